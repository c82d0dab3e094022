/* test_binary.c: Hebbian and pseudo-inverse weights, classical and dense memories: reference rows, whole-number brute
   force of the energy differences, energies that never rise, fixed points, ties, 10,000 bits, capacities, every status. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"

enum { MOST = 64000 };
static hfy_real x[MOST], q[MOST], out[MOST], w[MOST], keys[MOST], coupling[400];
static hfy_work work;

static void signs(uint64_t seed, hfy_real *to, size_t n) {
  hfy_rng rng = hfy_rng_seed(seed);
  size_t i;
  for (i = 0; i < n; i++) to[i] = (hfy_real)hfy_rng_sign(&rng);
}

static double dot(const hfy_real *a, const hfy_real *b, size_t n) {
  double sum = 0;
  size_t i;
  for (i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

static hfy_binary dense(hfy_binary_kind kind, size_t count, size_t dim, double degree) {
  hfy_binary m;
  memset(&m, 0, sizeof m);
  m.dim = dim, m.count = count, m.patterns = x;
  m.kind = kind;
  m.degree = degree;
  m.order = HFY_BINARY_FIXED;
  return m;
}

TEST(targets) {
  static const struct {
    hfy_binary_kind kind;
    double degree;
    size_t flips;
    double overlap;
  } rows[] = {{HFY_BINARY_POWER, 2, 7, 16}, /* bit by bit in whole numbers; the reference's 8 and 14 break a tie by rounding */
              {HFY_BINARY_POWER, 3, 5, 24},
              {HFY_BINARY_POWER, 10, 5, 24},
              {HFY_BINARY_RECTIFIED, 3, 5, 24},
              {HFY_BINARY_EXP, 0, 5, 24}};
  static const double overlaps[] = {12, -2, 0, -8, 12, 8, -12, 0, -4, 4, 18, 8, -8, -10};
  size_t i, flips;
  double energy, log_energy;
  hfy_binary_report report;
  hfy_binary m;
  hfy_net net;
  memset(&report, 0, sizeof report);
  report.flips = &flips;
  signs(9, x, 14 * 24);
  memcpy(q, x, 24 * sizeof *q);
  for (i = 0; i < 5; i++) q[i] = -q[i];
  for (i = 0; i < 5; i++) { /* T107 .. T111: one sweep */
    m = dense(rows[i].kind, 14, 24, rows[i].degree);
    m.max_sweeps = 1;
    CHECK(hfy_binary_recall(&m, q, 1, out, &report, &work) == HFY_OK);
    CHECK_EQ(flips, rows[i].flips);
    CHECK_EQ(dot(out, x, 24), rows[i].overlap);
  }
  m = dense(HFY_BINARY_POWER, 14, 24, 3); /* T112 */
  CHECK(hfy_binary_energy(&m, q, 1, &energy, &log_energy, &work) == HFY_OK);
  CHECK_EQ(energy, -3400);
  CHECK_NEAR(log_energy, log(3400.0), 1e-14);
  m.kind = HFY_BINARY_EXP;
  CHECK(hfy_binary_energy(&m, q, 1, &energy, &log_energy, &work) == HFY_OK);
  CHECK_NEAR(energy, -1206415.82904262, 1e-14);
  CHECK_NEAR(log_energy, log(1206415.82904262), 1e-14);
  /* T113, as weights and as a net */
  CHECK(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, 14, 24, 0, 1, w, &work) == HFY_OK);
  memset(&m, 0, sizeof m);
  m.dim = 24, m.weights = w, m.max_sweeps = 3;
  CHECK(hfy_binary_recall(&m, q, 1, out, NULL, &work) == HFY_OK);
  for (i = 0; i < 14; i++) CHECK_EQ(dot(out, x + i * 24, 24), overlaps[i]);
  CHECK(hfy_binary_net(HFY_BINARY_HEBBIAN, x, 14, 24, 0, NULL, NULL, &net, &work) == HFY_OK);
  net.max_steps = 3;
  CHECK(hfy_retrieve(&net, q, 1, out, NULL, &work) == HFY_OK);
  for (i = 0; i < 14; i++) CHECK_EQ(dot(out, x + i * 24, 24), overlaps[i]);
}

/* T_j and E in 64-bit whole numbers. */
static int64_t power64(int64_t a, int n) {
  int64_t y = 1;
  while (n--) y *= a;
  return y;
}

TEST(brute_force) {
  static const hfy_binary_kind kinds[] = {HFY_BINARY_POWER, HFY_BINARY_POWER, HFY_BINARY_POWER, HFY_BINARY_RECTIFIED,
                                          HFY_BINARY_RECTIFIED};
  static const int degrees[] = {2, 3, 6, 2, 5};
  size_t seed, c, i, j, flips;
  hfy_binary_report report;
  memset(&report, 0, sizeof report);
  report.flips = &flips;
  for (seed = 0; seed < 30; seed++)
    for (c = 0; c < 5; c++) {
      size_t D = 5 + seed % 13, N = 1 + seed % 9, turned = 0;
      int n = degrees[c], rectified = kinds[c] == HFY_BINARY_RECTIFIED;
      hfy_binary m = dense(kinds[c], N, D, n);
      signs(seed, x, N * D);
      signs(seed + 100, q, D);
      m.max_sweeps = 1;
      CHECK(hfy_binary_recall(&m, q, 1, out, &report, &work) == HFY_OK);
      for (j = 0; j < D; j++) { /* MHN eq. A530 as it stands */
        int64_t t = 0;
        for (i = 0; i < N; i++) {
          int64_t h = (int64_t)dot(x + i * D, q, D) - (int64_t)(x[i * D + j] * q[j]);
          int64_t up = (int64_t)x[i * D + j] + h, down = -(int64_t)x[i * D + j] + h;
          t += (rectified && up < 0 ? 0 : power64(up, n)) - (rectified && down < 0 ? 0 : power64(down, n));
        }
        if ((t > 0 && q[j] < 0) || (t < 0 && q[j] > 0)) q[j] = -q[j], turned++;
      }
      CHECK(!memcmp(q, out, D * sizeof *q)); /* ties included */
      CHECK_EQ(flips, turned);
    }
}

/* Beyond whole numbers: terms that cancel leave nothing, neither rounding in a tie nor a doubt about what is below them.
   Up to 6 patterns: the largest |h| whose signs do not cancel decides alone. */
TEST(cancelled_terms) {
  size_t trial, i, j, ties = 0, below_others = 0;
  for (trial = 0; trial < 3000; trial++) {
    hfy_rng rng = hfy_rng_seed(trial);
    const size_t D = 3 + below(&rng, 8), N = 1 + below(&rng, 6);
    const int degree = 40 + (int)below(&rng, 400), even = degree % 2 == 0;
    const hfy_binary_kind kind = (hfy_binary_kind)(HFY_BINARY_POWER + trial % 3);
    hfy_binary m = dense(kind, N, D, degree);
    signs(trial, x, N * D);
    signs(trial + 5000, q, D);
    m.max_sweeps = 1;
    CHECK(hfy_binary_recall(&m, q, 1, out, NULL, &work) == HFY_OK);
    for (j = 0; j < D; j++) {
      int left[25] = {0}, most = -99, seen = -99, h;
      for (i = 0; i < N; i++) {
        int sign = (int)x[i * D + j];
        h = (int)dot(x + i * D, q, D) - sign * (int)q[j];
        if (kind == HFY_BINARY_RECTIFIED && h < 0) continue;
        if (kind == HFY_BINARY_POWER && h < 0) h = -h, sign = even ? -sign : sign;
        if (kind != HFY_BINARY_POWER || !even || h) left[h + 12] += sign;
        if (h > seen) seen = h;
      }
      for (h = -12; h <= 12; h++)
        if (left[h + 12]) most = h;
      ties += most == -99, below_others += most > -99 && most < seen;
      if (most > -99) q[j] = left[most + 12] > 0 ? 1 : -1;
    }
    CHECK(!memcmp(q, out, D * sizeof *q));
  }
  CHECK(ties > 900 && below_others > 900);
  for (i = 0; i < 60; i++) x[i] = (hfy_real)(i < 32 ? 1 : -1), q[i] = 1; /* 20, 4, -20 */
  for (i = 2; i < 512; i++) {
    hfy_binary m = dense(HFY_BINARY_POWER, 3, 20, (double)i);
    double energy, log_energy;
    CHECK(hfy_binary_energy(&m, q, 1, &energy, &log_energy, &work) == HFY_OK);
    CHECK_NEAR(log_energy, (double)i * log(4.0) + (i % 2 ? 0 : log1p(2 * pow(5, (double)i))), 1e-13);
    CHECK_NEAR(log(-energy), log_energy, energy < -DBL_MAX ? HUGE_VAL : 1e-13);
  }
  for (i = 0; i < 256; i++) x[i] = q[i] = 1;
  for (i = 1; i < 9; i++) { /* a power of two to the last bit, and beyond double */
    hfy_binary m = dense(HFY_BINARY_POWER, 1, (size_t)1 << i, (double)(1023 / i > 512 ? 512 : 1023 / i));
    double energy;
    CHECK(hfy_binary_energy(&m, q, 1, &energy, NULL, &work) == HFY_OK);
    CHECK_EQ(energy, -ldexp(1, (int)i * (int)m.degree));
    m.degree += 1, m.degree += 1024 > (double)i * m.degree;
    if (m.degree > 512) continue;
    CHECK(hfy_binary_energy(&m, q, 1, &energy, NULL, &work) == HFY_OK && energy < -DBL_MAX);
  }
  for (j = 0; j < 2; j++) { /* e^63 and -e^63 leave what lies between them, e^3 of this sign */
    hfy_binary m = dense(HFY_BINARY_EXP, 3, 64, 0);
    for (i = 0; i < 192; i++) x[i] = 1;
    for (i = 0; i < 64; i++) q[i] = 1;
    for (i = 98; i < 128; i++) x[i] = -1;
    x[64] = j ? 1 : -1, x[128] = -1, q[0] = -x[64];
    m.max_sweeps = 1;
    CHECK(hfy_binary_recall(&m, q, 1, out, NULL, &work) == HFY_OK);
    CHECK_EQ(out[0], x[64]);
  }
}

/* Many queries: the energy never rises, the end is a fixed point, sweeps and tails are as they should be. */
static void descends(const hfy_binary *memory, const char *what) {
  enum { QUERIES = 20, SWEEPS = 40 };
  static double energy[QUERIES * (SWEEPS + 1)], log_energy[QUERIES * (SWEEPS + 1)];
  size_t sweeps[QUERIES], period[QUERIES], flips[QUERIES], i, t, D = memory->dim;
  hfy_binary_report report;
  hfy_binary m = *memory;
  double alone;
  memset(&report, 0, sizeof report);
  report.energy = energy, report.log_energy = log_energy;
  report.sweeps = sweeps, report.period = period, report.flips = flips;
  m.max_sweeps = SWEEPS;
  signs(77, q, QUERIES * D);
  if (!CHECK(hfy_binary_recall(&m, q, QUERIES, out, &report, &work) == HFY_OK)) printf("    %s\n", work.message);
  for (i = 0; i < QUERIES; i++) {
    const double *e = energy + i * (SWEEPS + 1);
    for (t = 1; t <= SWEEPS; t++)
      if (!CHECK(e[t] <= e[t - 1] + 1e-9 * fabs(e[t]))) printf("    %s: %g to %g\n", what, e[t - 1], e[t]);
    CHECK(period[i] == 1 && sweeps[i] < SWEEPS && sweeps[i] >= 1);
    CHECK_EQ(e[SWEEPS], e[sweeps[i]]);
    CHECK(hfy_binary_energy(&m, out + i * D, 1, &alone, NULL, &work) == HFY_OK);
    CHECK_NEAR(alone, e[SWEEPS], 1e-14);
    if (alone < 0) CHECK_NEAR(log_energy[i * (SWEEPS + 1) + SWEEPS], log(-alone), 1e-12);
  }
  memcpy(q, out, QUERIES * D * sizeof *q);
  CHECK(hfy_binary_recall(&m, q, QUERIES, out, &report, &work) == HFY_OK);
  CHECK(!memcmp(q, out, QUERIES * D * sizeof *q) && flips[0] == 0 && sweeps[3] == 1);
}

TEST(energies_never_rise) {
  size_t order, kind;
  for (order = HFY_BINARY_FIXED; order <= HFY_BINARY_RANDOM; order++) {
    for (kind = HFY_BINARY_POWER; kind <= HFY_BINARY_EXP; kind++) {
      hfy_binary m;
      signs(5, x, 30 * 60);
      m = dense((hfy_binary_kind)kind, 30, 60, kind == HFY_BINARY_POWER ? 4 : 3);
      m.order = (hfy_binary_order)order;
      m.seed = 3;
      descends(&m, "dense");
      m.degree = 40; /* far beyond whole numbers */
      descends(&m, "dense, scaled");
    }
    for (kind = 0; kind < 4; kind++) {
      hfy_binary m;
      memset(&m, 0, sizeof m);
      signs(6, x, 20 * 60);
      CHECK(hfy_binary_weights((hfy_binary_rule)(kind % 2), x, 20, 60, 0, kind > 1, w, &work) == HFY_OK);
      m.dim = 60, m.weights = w, m.order = (hfy_binary_order)order;
      descends(&m, "weights");
    }
  }
}

TEST(orders) {
  size_t sequence[30], i, period, sweeps;
  hfy_binary m, other;
  hfy_binary_report report;
  memset(&report, 0, sizeof report);
  report.period = &period, report.sweeps = &sweeps;
  signs(8, x, 12 * 30);
  signs(9, q, 30 * 3);
  m = dense(HFY_BINARY_POWER, 12, 30, 2);
  for (i = 0; i < 30; i++) sequence[i] = i;
  m.sequence = sequence;
  CHECK(hfy_binary_recall(&m, q, 3, out, NULL, &work) == HFY_OK);
  m.sequence = NULL;
  CHECK(hfy_binary_recall(&m, q, 3, keys, NULL, &work) == HFY_OK);
  CHECK(!memcmp(out, keys, 90 * sizeof *out)); /* ascending is the default */
  m.order = HFY_BINARY_RANDOM, m.seed = 5;
  CHECK(hfy_binary_recall(&m, q, 3, out, NULL, &work) == HFY_OK);
  other = m, other.seed = 7; /* query j draws from seed + j: query 2 of seed 5 is query 0 of seed 7 */
  CHECK(hfy_binary_recall(&other, q + 60, 1, keys, NULL, &work) == HFY_OK);
  CHECK(!memcmp(out + 60, keys, 30 * sizeof *out));
  memcpy(keys, q, 90 * sizeof *q); /* in place */
  CHECK(hfy_binary_recall(&m, keys, 3, keys, NULL, &work) == HFY_OK && !memcmp(out, keys, 90 * sizeof *out));
  /* two bits that follow each other: all at once they turn round for ever, one by one they agree */
  w[0] = w[3] = 0, w[1] = w[2] = 1;
  memset(&m, 0, sizeof m);
  m.dim = 2, m.weights = w;
  q[0] = 1, q[1] = -1;
  CHECK(hfy_binary_recall(&m, q, 1, out, &report, &work) == HFY_OK && period == 2 && sweeps == 2);
  CHECK(out[0] == 1 && out[1] == -1);
  m.max_sweeps = 1;
  CHECK(hfy_binary_recall(&m, q, 1, out, &report, &work) == HFY_OK && period == 0 && out[0] == -1);
  m.max_sweeps = SIZE_MAX; /* as many as it takes: they cost nothing where no energies are asked for */
  CHECK(hfy_binary_recall(&m, q, 1, out, &report, &work) == HFY_OK && period == 2 && sweeps == 2);
  m.max_sweeps = 0, m.order = HFY_BINARY_FIXED;
  CHECK(hfy_binary_recall(&m, q, 1, out, &report, &work) == HFY_OK && period == 1 && out[0] == out[1]);
  w[1] = w[2] = 0; /* nothing drives: nothing moves */
  CHECK(hfy_binary_recall(&m, q, 1, out, &report, &work) == HFY_OK && out[0] == 1 && out[1] == -1 && sweeps == 1);
}

/* Hamming balls: exactly `flips` bits of each row, as the kernel rows of the reference make them. */
static void flip(hfy_real *rows, size_t n, size_t dim, size_t flips, uint64_t seed) {
  hfy_rng rng = hfy_rng_seed(seed);
  size_t index[400], r, i, j, hold;
  for (r = 0; r < n; r++) {
    for (i = 0; i < dim; i++) index[i] = i;
    for (i = 0; i < flips; i++) {
      j = i + (size_t)(hfy_rng_u64(&rng) % (dim - i));
      hold = index[i], index[i] = index[j], index[j] = hold;
      rows[r * dim + index[i]] = -rows[r * dim + index[i]];
    }
  }
}

static double whole(const hfy_real *a, const hfy_real *b, size_t n, size_t dim) {
  size_t i, same = 0;
  for (i = 0; i < n; i++) same += !memcmp(a + i * dim, b + i * dim, dim * sizeof *a);
  return (double)same / (double)n;
}

TEST(baselines) {
  static const double table[][5] = {{10, 1, 1, 1, 1}, {14, 0.928571, 0.714286, 1, 1}, {30, 0, 0, 1, 1}, {60, 0, 0, 1, 0}};
  size_t r, rule, as_net, P, i;
  for (r = 0; r < 4; r++)
    for (rule = 0; rule < 2; rule++)
      for (as_net = 0; as_net < 2; as_net++) {
        hfy_binary m;
        hfy_net net;
        double half = 1.01 / table[r][0];
        P = (size_t)table[r][0];
        signs(42, x, P * 100);
        memcpy(q, x, P * 100 * sizeof *q);
        flip(q, P, 100, 10, 7);
        memset(&m, 0, sizeof m);
        if (as_net) {
          CHECK(hfy_binary_net((hfy_binary_rule)rule, x, P, 100, 0, keys, rule ? NULL : coupling, &net, &work) ==
                HFY_OK);
          net.max_steps = 1;
          CHECK(hfy_retrieve(&net, x, P, out, NULL, &work) == HFY_OK);
        } else {
          CHECK(hfy_binary_weights((hfy_binary_rule)rule, x, P, 100, 0, (int)rule, w, &work) == HFY_OK);
          m.dim = 100, m.weights = w, m.max_sweeps = 1;
          CHECK(hfy_binary_recall(&m, x, P, out, NULL, &work) == HFY_OK);
        }
        CHECK(fabs(whole(out, x, P, 100) - table[r][1 + 2 * rule]) < half);
        m.max_sweeps = 30;
        if (as_net) {
          net.max_steps = 30;
          CHECK(hfy_retrieve(&net, q, P, out, NULL, &work) == HFY_OK);
        } else {
          CHECK(hfy_binary_recall(&m, q, P, out, NULL, &work) == HFY_OK);
        }
        CHECK(fabs(whole(out, x, P, 100) - table[r][2 + 2 * rule]) < half);
        for (i = 0; as_net && !rule && i < 100; i++) CHECK_EQ(coupling[i], P);
      }
}

/* Refused if and only if one of them is no hfy_real. */
TEST(weights_in_range) {
  hfy_rng rng = hfy_rng_seed(12);
  size_t round, i, j, k, beyond = 0, rounds = 400;
  for (round = 0; round < rounds; round++) {
    const size_t P = 1 + below(&rng, 9), D = 1 + below(&rng, 12);
    const int diagonal = hfy_rng_uniform(&rng) < 0.5;
    double most = 0;
    normals(&rng, x, P * D, sqrt(REAL_MAX) * exp(3 * hfy_rng_uniform(&rng) - 2.5));
    for (i = 0; i < P * D; i++) x[i] = (hfy_real)fabs((double)x[i]); /* no sum comes back from beyond */
    for (i = 0; i < D; i++)
      for (j = 0; j < D; j++) {
        double sum = 0;
        for (k = 0; k < P && (i != j || diagonal); k++) sum += (double)x[k * D + i] * (double)x[k * D + j];
        if (sum > most) most = sum;
      }
    w[0] = 7;
    if (CHECK(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, P, D, 0, diagonal, w, &work) ==
              (most <= REAL_MAX ? HFY_OK : HFY_ERR_NONFINITE)) && most <= REAL_MAX) continue;
    beyond++;
    CHECK(w[0] == 7);
    CHECK_CONTAINS(work.message, "weights[");
  }
  CHECK(beyond > rounds / 5 && beyond < rounds * 4 / 5);
}

TEST(projection_weights) {
  size_t i, j, k, P = 17, D = 40;
  signs(3, x, P * D);
  memcpy(x + 5 * D, x + 2 * D, D * sizeof *x);                 /* a duplicate */
  for (i = 0; i < D; i++) x[9 * D + i] = -x[4 * D + i];        /* an opposite */
  CHECK(hfy_binary_weights(HFY_BINARY_PSEUDO_INVERSE, x, P, D, 0, 1, w, &work) == HFY_OK);
  for (i = 0; i < D; i++)
    for (j = 0; j < D; j++) { /* W^2 = W = W^T */
      double sum = 0;
      for (k = 0; k < D; k++) sum += (double)w[i * D + k] * (double)w[k * D + j];
      CHECK_NEAR(sum, w[i * D + j], 60 * REAL_EPS);
      CHECK_NEAR(w[i * D + j], w[j * D + i], 4 * REAL_EPS);
    }
  for (i = 0; i < P; i++)
    for (j = 0; j < D; j++) CHECK_NEAR(dot(w + j * D, x + i * D, D), x[i * D + j], 60 * REAL_EPS);
  { /* the trace of a projection is its rank: 15 */
    double trace = 0;
    for (i = 0; i < D; i++) trace += (double)w[i * D + i];
    CHECK_NEAR(trace, 15, 40 * REAL_EPS);
  }
  CHECK(hfy_binary_weights(HFY_BINARY_PSEUDO_INVERSE, x, 3, 13, D, 0, w, &work) == HFY_OK && w[0] == 0); /* stride */
  signs(4, x, 50 * 30); /* more patterns than bits: they span everything */
  CHECK(hfy_binary_weights(HFY_BINARY_PSEUDO_INVERSE, x, 50, 30, 0, 1, w, &work) == HFY_OK);
  for (i = 0; i < 900; i++) CHECK_NEAR(w[i], i % 31 == 0, 100 * REAL_EPS);
  { /* powers of two change nothing, however far they go */
    hfy_rng rng = hfy_rng_seed(8);
    for (k = 0; k < 40; k++) {
      const int far = (int)(log(REAL_MAX) / log(2)) - 4, exponent = (int)below(&rng, 2 * (size_t)far + 1) - far;
      for (i = 0; i < 9 * 13; i++) q[i] = (hfy_real)(hfy_rng_sign(&rng) * (1 + hfy_rng_uniform(&rng)));
      for (i = 0; i < 9 * 13; i++) x[i] = (hfy_real)ldexp((double)q[i], exponent);
      CHECK(hfy_binary_weights(HFY_BINARY_PSEUDO_INVERSE, q, 9, 13, 0, 1, w, &work) == HFY_OK);
      CHECK(hfy_binary_weights(HFY_BINARY_PSEUDO_INVERSE, x, 9, 13, 0, 1, out, &work) == HFY_OK);
      CHECK(memcmp(w, out, 169 * sizeof *w) == 0);
    }
    signs(4, x, 50 * 30);
  }
  for (P = 12; P <= 40; P += 28) { /* a pattern is its own whatever its size beside the others: as weights, as a net */
    hfy_rng rng = hfy_rng_seed(P);
    hfy_net net;
    const size_t n = 25;
    normals(&rng, x, P * n, 1);
    for (i = 0; i < P; i++)
      for (k = 0; k < n; k++) x[i * n + k] *= (hfy_real)ldexp(1, (int)(i * 7 % 11) * 8 - 40);
    CHECK(hfy_binary_weights(HFY_BINARY_PSEUDO_INVERSE, x, P, n, 0, 1, w, &work) == HFY_OK);
    CHECK(hfy_binary_net(HFY_BINARY_PSEUDO_INVERSE, x, P, n, 0, keys, NULL, &net, &work) == HFY_OK);
    for (i = 0; i < P; i++) {
      const double size = sqrt(dot(x + i * n, x + i * n, n));
      for (j = 0; j < n; j++) CHECK(fabs(dot(w + j * n, x + i * n, n) - (double)x[i * n + j]) < 100 * REAL_EPS * size);
    }
    for (i = 0; i < 12 && P == 12; i++) /* of independent rows */
      for (k = 0; k < 12; k++)
        CHECK(fabs(dot(keys + i * n, x + k * n, n) - (i == k)) <
              100 * REAL_EPS * sqrt(dot(keys + i * n, keys + i * n, n) * dot(x + k * n, x + k * n, n)));
  }
  signs(4, x, 50 * 30);
  { /* the duals are the columns of X^+ */
    static double a[1500], inverse[1500];
    hfy_net net;
    for (i = 0; i < 1500; i++) a[i] = (double)x[i];
    CHECK(hfy_linalg_pinv(a, 50, 30, 0, inverse, NULL, &work) == HFY_OK);
    CHECK(hfy_binary_net(HFY_BINARY_PSEUDO_INVERSE, x, 50, 30, 0, keys, NULL, &net, &work) == HFY_OK);
    for (i = 0; i < 50; i++)
      for (j = 0; j < 30; j++) CHECK_NEAR(keys[i * 30 + j], inverse[j * 50 + i], 10 * REAL_EPS);
  }
  { /* many patterns: nothing is count x count; bits that say the same, and 2^100 times the patterns */
    enum { MANY = 2000, FEW = 10 };
    static double a[MANY * FEW], inverse[MANY * FEW];
    static hfy_real many[MANY * FEW], duals[MANY * FEW];
    hfy_work own;
    hfy_net net;
    memset(&own, 0, sizeof own);
    signs(5, many, MANY * FEW);
    for (i = 0; i < MANY; i++) many[i * FEW + 7] = -many[i * FEW + 3], many[i * FEW + 9] = many[i * FEW];
    for (i = 0; i < MANY * FEW; i++) a[i] = (double)many[i];
    CHECK(hfy_linalg_pinv(a, MANY, FEW, 1e-6, inverse, &k, &work) == HFY_OK && k == 8);
    CHECK(hfy_binary_net(HFY_BINARY_PSEUDO_INVERSE, many, MANY, FEW, 0, duals, NULL, &net, &own) == HFY_OK);
    for (i = 0; i < MANY; i++)
      for (j = 0; j < FEW; j++) CHECK_NEAR(MANY * duals[i * FEW + j], MANY * inverse[j * MANY + i], 100 * REAL_EPS);
    CHECK(own.capacity < MANY * MANY);
    for (i = 0; i < MANY * FEW; i++) many[i] = (hfy_real)ldexp((double)many[i], 100);
    CHECK(hfy_binary_weights(HFY_BINARY_PSEUDO_INVERSE, many, MANY, FEW, 0, 1, w, &own) == HFY_OK);
    for (i = 0; i < FEW; i++)
      for (j = 0; j < FEW; j++) {
        static const size_t twin[FEW] = {9, 1, 2, 7, 4, 5, 6, 3, 8, 0};
        const double half = i + twin[i] == 10 && i != 5 ? -0.5 : 0.5;
        CHECK_NEAR(w[i * FEW + j], twin[i] == i ? i == j : i == j ? 0.5 : j == twin[i] ? half : 0, 60 * REAL_EPS);
      }
    hfy_work_free(&own);
  }
}

TEST(ten_thousand_bits) {
  enum { D = 10000, N = 6 };
  static const double degrees[] = {2, 3, 30, 512};
  size_t kind, c, flips, j;
  double energy, log_energy;
  hfy_binary_report report;
  memset(&report, 0, sizeof report);
  report.flips = &flips;
  for (kind = HFY_BINARY_POWER; kind <= HFY_BINARY_EXP; kind++)
    for (c = 0; c < 4; c++) {
      hfy_binary m = dense((hfy_binary_kind)kind, N, D, degrees[c]);
      signs(1, x, N * D);
      memcpy(q, x + D, D * sizeof *q);
      for (j = 0; j < 40; j++) q[j * 250] = -q[j * 250];
      CHECK(hfy_binary_recall(&m, q, 1, out, &report, &work) == HFY_OK);
      CHECK(flips == 40 && !memcmp(out, x + D, D * sizeof *out));
      CHECK(hfy_binary_energy(&m, out, 1, &energy, &log_energy, &work) == HFY_OK);
      CHECK_NEAR(log_energy, kind == HFY_BINARY_EXP ? 10000 : degrees[c] * log(10000.0),
                 c ? 1e-5 : 1e-3); /* the others add little */
      CHECK(kind != HFY_BINARY_EXP && c < 3 ? energy < 0 && energy > -1e300 : energy < -1e300);
    }
  { /* T114 */
    hfy_binary m = dense(HFY_BINARY_EXP, 40, 200, 0);
    signs(10, x, 40 * 200);
    memcpy(q, x + 600, 200 * sizeof *q);
    for (j = 0; j < 40; j++) q[j] = -q[j];
    CHECK(hfy_binary_recall(&m, q, 1, out, &report, &work) == HFY_OK);
    CHECK(flips == 40 && dot(out, x + 600, 200) == 200);
  }
}

/* Share of stored patterns that one sweep leaves alone. */
static double holds(hfy_binary *m, size_t N, size_t D) {
  m->max_sweeps = 1;
  CHECK(hfy_binary_recall(m, x, N, out, NULL, &work) == HFY_OK);
  return whole(out, x, N, D);
}

TEST(capacities) {
  hfy_binary m;
  size_t P;
  double few, many;
  /* D = 100: the Hebbian rule holds little at 0.138 D and beyond; cubic and exponential dense memories hold hundreds */
  signs(21, x, 640 * 100);
  memset(&m, 0, sizeof m);
  CHECK(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, 5, 100, 0, 0, w, &work) == HFY_OK);
  m.dim = 100, m.weights = w;
  few = holds(&m, 5, 100);
  CHECK(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, 40, 100, 0, 0, w, &work) == HFY_OK);
  many = holds(&m, 40, 100);
  CHECK(few == 1 && many < 0.1);
  m = dense(HFY_BINARY_POWER, 200, 100, 3);
  CHECK(holds(&m, 200, 100) > 0.95);
  m.degree = 2;
  CHECK(holds(&m, 200, 100) < 0.1);
  m = dense(HFY_BINARY_EXP, 640, 100, 0);
  for (P = 0; P < 1; P++) CHECK(holds(&m, 640, 100) == 1);
}

/* A pattern and its opposite cancel, however large their powers are. */
TEST(opposites_cancel) {
  hfy_binary m = dense(HFY_BINARY_POWER, 2, 10, 511);
  double energy = 7, log_energy = 7;
  size_t i;
  signs(3, x, 10);
  for (i = 0; i < 10; i++) x[10 + i] = -x[i];
  CHECK(hfy_binary_energy(&m, x, 1, &energy, &log_energy, &work) == HFY_OK);
  CHECK(energy >= 0 && energy <= 0 && log_energy < -DBL_MAX);
}

TEST(bad_input) {
  hfy_binary m;
  hfy_net net;
  size_t bad[4] = {0, 1, 1, 3};
  double energy;
  hfy_binary_report endless;
  unsigned char small[64];
  hfy_work tight = {0};
  double zero = 0;
  signs(1, x, 12), signs(2, q, 4);
  m = dense(HFY_BINARY_POWER, 3, 4, 0);
  out[0] = 7;
#define FAILS(part) CHECK_FAILS(hfy_binary_recall(&m, q, 1, out, NULL, &work), HFY_ERR_ARG, &work, part)
  CHECK_FAILS(hfy_binary_recall(NULL, q, 1, out, NULL, &work), HFY_ERR_ARG, &work, "memory is NULL");
  m.kind = (hfy_binary_kind)9, FAILS("kind is 9"), m.kind = HFY_BINARY_POWER;
  m.order = (hfy_binary_order)9, FAILS("order is 9"), m.order = HFY_BINARY_FIXED;
  m.degree = 2.5, FAILS("degree is 2.5"), m.degree = 513, FAILS("degree is 513"), m.degree = -1, FAILS("degree is -1");
  m.degree = zero / zero, FAILS("degree is nan"), m.degree = 0;
  m.stride = 3, FAILS("stride is 3"), m.stride = 0;
  m.patterns = NULL, FAILS("patterns is NULL"), m.patterns = x;
  m.count = 0, FAILS("count is 0"), m.count = 3;
  m.sequence = bad, FAILS("sequence has 1 twice"), bad[2] = 4, FAILS("sequence[2] is 4"), m.sequence = NULL;
  x[5] = 0, FAILS("patterns[1][1] is 0"), x[5] = 1;
  q[2] = (hfy_real)0.5, FAILS("queries[0][2] is 0.5");
  CHECK_FAILS(hfy_binary_energy(&m, q, 1, &energy, NULL, &work), HFY_ERR_ARG, &work, "states[0][2] is 0.5");
  q[2] = 1;
  m.kind = HFY_BINARY_WEIGHTS, FAILS("weights is NULL"), w[0] = (hfy_real)(zero / zero), m.weights = w, FAILS("weights");
#ifdef HFY_DOUBLE /* finite weights whose products are not */
  for (size_t i = 0; i < 16; i++) w[i] = i % 2 ? -1e308 : 1e308;
  FAILS("weights: the sum of their sizes is inf");
  CHECK_FAILS(hfy_binary_energy(&m, q, 1, &energy, NULL, &work), HFY_ERR_ARG, &work, "the sum of their sizes is inf");
#endif
  m.kind = HFY_BINARY_POWER;
  CHECK_FAILS(hfy_binary_recall(&m, q, 1, NULL, NULL, &work), HFY_ERR_ARG, &work, "out is NULL");
  tight.buffer = small, tight.capacity = sizeof small;
  CHECK_FAILS(hfy_binary_recall(&m, q, 1, out, NULL, &tight), HFY_ERR_NOMEM, &tight, "this call needs");
  CHECK(out[0] == 7);
  CHECK_FAILS(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, 3, 4, 0, 0, NULL, &work), HFY_ERR_ARG, &work, "weights is NULL");
  CHECK_FAILS(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, SIZE_MAX / 8, 4, 0, 0, w, &work), HFY_ERR_ARG, &work, "cannot exist");
  CHECK_FAILS(hfy_binary_recall(&m, q, SIZE_MAX / 8, out, NULL, &work), HFY_ERR_ARG, &work, "states of dim 4");
  m.max_sweeps = SIZE_MAX / 4, memset(&endless, 0, sizeof endless), endless.energy = &energy;
  CHECK_FAILS(hfy_binary_recall(&m, q, 1, out, &endless, &work), HFY_ERR_ARG, &work, "max_sweeps is");
  m.max_sweeps = 0;
  CHECK_FAILS(hfy_binary_weights((hfy_binary_rule)5, x, 3, 4, 0, 0, w, &work), HFY_ERR_ARG, &work, "rule is 5");
  CHECK_FAILS(hfy_binary_net(HFY_BINARY_PSEUDO_INVERSE, x, 3, 4, 0, NULL, NULL, &net, &work), HFY_ERR_ARG, &work,
              "keys is NULL");
  x[5] = (hfy_real)(zero / zero);
  CHECK_FAILS(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, 3, 4, 0, 0, w, &work), HFY_ERR_NONFINITE, &work, "row 1");
  CHECK(hfy_binary_recall(&m, q, 0, NULL, NULL, NULL) == HFY_ERR_ARG); /* the patterns are looked at all the same */
  x[5] = 1;
  CHECK(hfy_binary_recall(&m, NULL, 0, NULL, NULL, NULL) == HFY_OK);
  CHECK(hfy_binary_recall(&m, q, 1, out, NULL, NULL) == HFY_OK && out[0] != 7);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(targets);
  RUN(brute_force);
  RUN(cancelled_terms);
  RUN(energies_never_rise);
  RUN(orders);
  RUN(baselines);
  RUN(weights_in_range);
  RUN(projection_weights);
  RUN(ten_thousand_bits);
  RUN(capacities);
  RUN(opposites_cancel);
  RUN(bad_input);
  hfy_work_free(&work);
  return CHECK_END();
}
