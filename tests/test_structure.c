/* test_structure.c: SparseMAP and its structures. Every optimum is certified against the list of all vertices, which the
   tests make themselves, and compared with a plain pairwise ascent on that list; then reference rows, derivatives, losses,
   margins, limits, the two separations built on it, and the terms of exact structured retrieval. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "targets.h"

#define BITS 128    /* unaries and parts of a test structure at most */
#define MOST 4096   /* its vertices at most */

/* --- all vertices of a small structure --- */

typedef struct vertices {
  hfy_structure structure;
  size_t count, states[8];
  unsigned char bit[MOST][BITS];
} vertices;

static vertices all; /* too large for a stack */

static void add_vertex(vertices *v, const unsigned char *bit) {
  size_t bits = v->structure.unaries + v->structure.higher;
  if (!CHECK(v->count < MOST && bits <= BITS)) exit(2);
  memcpy(v->bit[v->count++], bit, bits);
}

/* A user's structure: the list of its vertices, each tried. */
static size_t listed_oracle(const hfy_structure *structure, const double *unary, const double *higher, size_t *on,
                            void *scratch) {
  const vertices *v = (const vertices *)structure->context;
  size_t i, j, n = structure->unaries, best = SIZE_MAX, count = 0;
  double top = -HUGE_VAL;
  (void)scratch;
  for (j = 0; j < v->count; j++) {
    double sum = 0;
    for (i = 0; i < n + structure->higher; i++)
      if (v->bit[j][i]) sum += i < n ? unary[i] : higher[i - n];
    if (sum > top) {
      top = sum;
      best = j;
    }
  }
  for (i = n + structure->higher; best != SIZE_MAX && i--;) /* any order will do */
    if (v->bit[best][i]) on[count++] = i;
  return best == SIZE_MAX ? SIZE_MAX : count;
}

enum { SUBSETS, AT_MOST, SEQUENCE, CHAIN, MATCHING, LISTED, KINDS };

static void list_subsets(vertices *v, size_t n, size_t k, int kind) {
  unsigned long set;
  for (set = 0; set < 1ul << n; set++) {
    unsigned char bit[BITS] = {0};
    size_t i, ones = 0;
    for (i = 0; i < n; i++) ones += bit[i] = (unsigned char)(set >> i & 1);
    if (kind == AT_MOST ? ones > k : ones != k) continue;
    for (i = 0; kind == SEQUENCE && i + 1 < n; i++) bit[n + i] = bit[i] && bit[i + 1];
    add_vertex(v, bit);
  }
}

static void list_chains(vertices *v, size_t variables, size_t at, size_t *state) {
  size_t i, unary = 0, part = 0;
  unsigned char bit[BITS] = {0};
  if (at < variables) {
    for (i = 0; i < v->states[at]; i++) {
      state[at] = i;
      list_chains(v, variables, at + 1, state);
    }
    return;
  }
  for (i = 0; i < variables; i++) {
    bit[unary + state[i]] = 1;
    unary += v->states[i];
    if (!i) continue;
    bit[v->structure.unaries + part + state[i - 1] * v->states[i] + state[i]] = 1;
    part += v->states[i - 1] * v->states[i];
  }
  add_vertex(v, bit);
}

static void list_matchings(vertices *v, size_t n, size_t row, unsigned long used, size_t *column) {
  size_t j;
  if (row == n) {
    unsigned char bit[BITS] = {0};
    for (j = 0; j < n; j++) bit[j * n + column[j]] = 1;
    add_vertex(v, bit);
    return;
  }
  for (j = 0; j < n; j++)
    if (!(used >> j & 1)) {
      column[row] = j;
      list_matchings(v, n, row + 1, used | 1ul << j, column);
    }
}

/* A random structure of a kind, with all its vertices. */
static void make(vertices *v, int kind, hfy_rng *rng) {
  size_t n = 1 + below(rng, 9), k = 1 + below(rng, n), i, j, pick[8];
  v->count = 0;
  memset(pick, 0, sizeof pick);
  switch (kind) {
  case SUBSETS: v->structure = hfy_structure_ksubsets(n, k), list_subsets(v, n, k, kind); break;
  case AT_MOST: v->structure = hfy_structure_at_most(n, k), list_subsets(v, n, k, kind); break;
  case SEQUENCE: v->structure = hfy_structure_sequence(n, k), list_subsets(v, n, k, kind); break;
  case CHAIN:
    n = 1 + below(rng, 5);
    for (i = 0; i < n; i++) v->states[i] = 1 + below(rng, 4);
    v->structure = hfy_structure_chain(n, v->states);
    list_chains(v, n, 0, pick);
    break;
  case MATCHING:
    n = 1 + below(rng, 5);
    v->structure = hfy_structure_matching(n);
    list_matchings(v, n, 0, 0, pick);
    break;
  default:
    memset(&v->structure, 0, sizeof v->structure);
    v->structure.unaries = n;
    v->structure.higher = below(rng, 4);
    v->structure.most = v->structure.unaries + v->structure.higher;
    v->structure.oracle = listed_oracle;
    v->structure.context = v;
    for (j = 1 + below(rng, 30); j--;) {
      unsigned char bit[BITS] = {0};
      for (i = 0; i < v->structure.most; i++) bit[i] = hfy_rng_uniform(rng) < 0.4;
      add_vertex(v, bit);
    }
    break;
  }
}

/* Scores of one of several characters: plain, many ties, all equal, large, tiny, masked. */
static void draw_scores(const hfy_structure *s, int how, hfy_rng *rng, double *unary, double *higher) {
  size_t i;
  for (i = 0; i < s->unaries + s->higher; i++) {
    double v = hfy_rng_normal(rng);
    if (how == 1) v = (double)below(rng, 3) - 1;
    if (how == 2) v = 0.25;
    if (how == 3) v *= 1e4;
    if (how == 4) v *= 0.05;
    if (how == 5) v = (double)below(rng, 2);
    if (i < s->unaries)
      unary[i] = how == 6 && hfy_rng_uniform(rng) < 0.15 ? -HUGE_VAL : v;
    else
      higher[i - s->unaries] = v;
  }
}

static double score_of(const vertices *v, size_t j, const double *unary, const double *higher) {
  double sum = 0;
  size_t i, n = v->structure.unaries;
  for (i = 0; i < n + v->structure.higher; i++)
    if (v->bit[j][i]) sum += i < n ? unary[i] : higher[i - n];
  return sum;
}

static double best_of(const vertices *v, const double *unary, const double *higher) {
  double top = -HUGE_VAL;
  size_t j;
  for (j = 0; j < v->count; j++) {
    double one = score_of(v, j, unary, higher);
    if (one > top) top = one;
  }
  return top;
}

/* The same problem by pairwise ascent on weights of all vertices: slow, and nothing like an active set. */
static void ascend(const vertices *v, double rho, const double *unary, const double *higher, double *u) {
  static double weight[MOST], linear[MOST];
  size_t i, j, n = v->structure.unaries, up, down, first = SIZE_MAX;
  long step;
  for (j = 0; j < v->count; j++) {
    weight[j] = 0;
    linear[j] = score_of(v, j, unary, higher);
    if (linear[j] > -HUGE_VAL && first == SIZE_MAX) first = j;
  }
  weight[first] = 1;
  for (i = 0; i < n; i++) u[i] = v->bit[first][i];
  for (step = 0; step < 20000; step++) {
    double top = -HUGE_VAL, low = HUGE_VAL, square = 0, move;
    up = down = first;
    for (j = 0; j < v->count; j++) {
      double slope = linear[j];
      if (!(slope > -HUGE_VAL)) continue;
      for (i = 0; i < n; i++)
        if (v->bit[j][i]) slope -= rho * u[i];
      if (slope > top) {
        top = slope;
        up = j;
      }
      if (weight[j] > 0 && slope < low) {
        low = slope;
        down = j;
      }
    }
    if (!(top - low > 1e-13 * (1 + fabs(top)))) break;
    for (i = 0; i < n; i++) square += v->bit[up][i] != v->bit[down][i];
    move = square > 0 ? (top - low) / (rho * square) : weight[down];
    if (move > weight[down]) move = weight[down];
    weight[up] += move;
    weight[down] -= move;
    for (i = 0; i < n; i++) u[i] += move * ((double)v->bit[up][i] - (double)v->bit[down][i]);
  }
}

/* --- a solve with all that it tells --- */

typedef struct solution {
  hfy_structure_answer a;
  double u[10001], v[10000], weight[2000];
  size_t count[2000], on[2000 * 20];
} solution;

static solution sol;

static hfy_status solve(const hfy_structure *s, double rho, const double *unary, const double *higher, hfy_work *work) {
  memset(&sol.a, 0, sizeof sol.a);
  sol.a.unary = sol.u;
  sol.a.higher = sol.v;
  sol.a.room = COUNT(sol.on) / s->most < COUNT(sol.weight) ? COUNT(sol.on) / s->most : COUNT(sol.weight);
  sol.a.weight = sol.weight;
  sol.a.count = sol.count;
  sol.a.on = sol.on;
  return hfy_structure_solve(s, rho, unary, higher, &sol.a, work);
}

/* --- reference rows --- */

static const double S7[7] = {.9, .2, .5, -.3, .8, .7, -.1}, V7[7] = {.3, -.2, .5, .1, -.4, .6, .2};

static void sequence_row(size_t k, double t, double rho, const double *u, const double *edges, const double *vjp,
                         double vjp_t, double loss) {
  hfy_structure s = hfy_structure_sequence(7, k);
  double higher[6], du[7], dv[6], got = 0, sum = 0;
  size_t i, on[16];
  for (i = 0; i < 6; i++) higher[i] = t;
  CHECK(!solve(&s, rho, S7, higher, NULL));
  CHECK(sol.a.gap <= 1e-12);
  for (i = 0; i < 7; i++) CHECK_NEAR(sol.u[i], u[i], 1e-12);
  for (i = 0; i < 6; i++) CHECK_NEAR(sol.v[i], edges[i], 1e-12);
  CHECK(!hfy_structure_vjp(&s, rho, sol.a.vertices, sol.count, sol.on, V7, du, dv, NULL));
  for (i = 0; i < 7; i++) CHECK_NEAR(du[i], vjp[i], 1e-12);
  for (i = 0; i < 6; i++) sum += dv[i];
  CHECK_NEAR(sum, vjp_t, 1e-12);
  for (i = 0; i < 2 * k - 1; i++) on[i] = i < k ? i : 7 + i - k; /* the loss of the first k */
  CHECK(!hfy_structure_loss(&s, rho, S7, higher, on, 2 * k - 1, &got, NULL));
  CHECK_NEAR(got, loss, 1e-12);
}

TEST(reference_rows) {
  static const double s9[9] = {.9, .1, -.3, .4, .7, .2, -.5, .6, .8}, g9[9] = {.3, -.2, .5, .1, -.4, .6, .2, .7, -.1};
  double s60[60], t60[59], du[60], digest[4] = {0}, edges = 0, k7[60];
  static const double big[] = {100, 1e8, 1e300, HUGE_VAL};
  hfy_structure s;
  hfy_rng rng = hfy_rng_seed(77);
  size_t i, j, on[16], count;
  sequence_row(2, 0, 1, t038_u, t038_edges, t038_vjp_s, *t038_vjp_t_sum, *t038_loss_top);
  sequence_row(2, .4, 1, t039_u, t039_edges, t039_vjp_s, *t039_vjp_t_sum, *t039_loss_top);
  sequence_row(3, .4, 1, t040_u, t040_edges, t040_vjp_s, *t040_vjp_t_sum, *t040_loss_top);
  sequence_row(3, -.5, 1, t041_u, t041_edges, t041_vjp_s, *t041_vjp_t_sum, *t041_loss_top);
  sequence_row(3, .4, 2, t042_u, t042_edges, t042_vjp_s, *t042_vjp_t_sum, *t042_loss_top);
  for (i = 0; i < COUNT(big); i++)
    sequence_row(2, big[i], 1, t043_u, t043_edges, t043_vjp_s, *t043_vjp_t_sum, *t043_loss_top);
  s = hfy_structure_sequence(7, 3);
  for (j = 0; j < 2; j++) {
    unsigned char bits[13] = {0};
    for (i = 0; i < 6; i++) t60[i] = j ? -.5 : .4;
    CHECK(!hfy_structure_map(&s, S7, t60, on, &count, NULL, NULL));
    for (i = 0; i < count; i++) bits[on[i]] = 1;
    for (i = 0; i < 7; i++) CHECK_EQ(bits[i], (j ? t044_tm05 : t044_t04)[i]);
    for (i = 0; i < 6; i++) CHECK(bits[7 + i] == (bits[i] && bits[i + 1]));
  }
  s = hfy_structure_matching(3);
  CHECK(!solve(&s, 0, s9, NULL, NULL));
  for (i = 0; i < 9; i++) CHECK_NEAR(sol.u[i], t045_u[i], 1e-12);
  CHECK(!hfy_structure_vjp(&s, 0, sol.a.vertices, sol.count, sol.on, g9, du, NULL, NULL));
  for (i = 0; i < 9; i++) CHECK_NEAR(du[i], t045_vjp[i], 1e-12);
  for (i = 0; i < 60; i++) s60[i] = hfy_rng_normal(&rng);
  for (i = 0; i < 59; i++) t60[i] = .3;
  s = hfy_structure_sequence(60, 6);
  CHECK(!solve(&s, 1, s60, t60, NULL));
  for (i = 0; i < 60; i++) {
    digest[0] += sol.u[i] > 0;
    if (sol.u[i] > digest[1]) digest[1] = sol.u[i];
    digest[2] += sol.u[i] * sol.u[i];
    digest[3] += (double)(i + 1) * sol.u[i] / 60;
  }
  for (i = 0; i < 59; i++) edges += sol.v[i];
  CHECK_EQ(digest[0], t046_dig[0]);
  for (i = 1; i < 4; i++) CHECK_NEAR(digest[i], t046_dig[i], 1e-11);
  CHECK_NEAR(edges, *t046_edges, 1e-11);
  /* k-subsets by the active set against the projection of HFY_SEP_KSUBSETS, on the same scores */
  s = hfy_structure_ksubsets(60, 6);
  CHECK(!solve(&s, 1, s60, NULL, NULL));
  memset(digest, 0, sizeof digest);
  for (i = 0; i < 60; i++) {
    k7[i] = sol.u[i];
    digest[0] += k7[i] > 0;
    if (k7[i] > digest[1]) digest[1] = k7[i];
    digest[2] += k7[i] * k7[i];
    digest[3] += (double)(i + 1) * k7[i] / 60;
  }
  CHECK_EQ(digest[0], t047_dig[0]);
  for (i = 1; i < 4; i++) CHECK_NEAR(digest[i], t047_dig[i], 1e-11);
}

/* --- every structure against all of its vertices --- */

TEST(every_optimum_is_certified) {
  int kind, how, seed, compared = 0;
  double unary[BITS], higher[BITS], slow[BITS];
  size_t i, j, on[BITS], count;
  for (kind = 0; kind < KINDS; kind++)
    for (how = 0; how < 7; how++)
      for (seed = 0; seed < 60; seed++) {
        hfy_rng rng = hfy_rng_seed((uint64_t)(kind * 10000 + how * 1000 + seed));
        static const double rhos[] = {1, 2, 0.3, 5};
        double rho = rhos[seed % 4], best, score, scale, value = 0, square = 0, level, sum, infinite;
        size_t n, m;
        hfy_status status;
        make(&all, kind, &rng);
        n = all.structure.unaries;
        m = all.structure.higher;
        draw_scores(&all.structure, how, &rng, unary, higher);
        best = best_of(&all, unary, higher);
        status = hfy_structure_map(&all.structure, unary, higher, on, &count, &score, NULL);
        for (i = 0, infinite = 1; i < n; i++) infinite *= unary[i] < -DBL_MAX;
        if (!(best > -HUGE_VAL) || infinite > 0) {
          CHECK(status == HFY_ERR_ARG && solve(&all.structure, rho, unary, higher, NULL) == HFY_ERR_ARG);
          continue;
        }
        CHECK(!status);
        scale = 1 + fabs(best);
        CHECK(fabs(score - best) <= 1e-13 * scale * 10);
        for (i = 1; i < count; i++) CHECK(on[i] > on[i - 1]);
        if (!CHECK(!solve(&all.structure, rho, unary, higher, NULL))) continue;
        CHECK(sol.a.steps <= 2 * all.count + 12);
        /* (u, v) is a mixture of vertices */
        {
          double mu[BITS] = {0};
          for (j = 0, sum = 0; j < sol.a.vertices; j++) {
            unsigned char bit[BITS] = {0};
            size_t known = 0, k;
            CHECK(sol.weight[j] > 0 || (j > 1 && sol.weight[j] >= 0));
            sum += sol.weight[j];
            for (i = 0; i < sol.count[j]; i++) {
              bit[sol.on[j * all.structure.most + i]] = 1;
              mu[sol.on[j * all.structure.most + i]] += sol.weight[j];
            }
            for (k = 0; k < all.count; k++) known += !memcmp(bit, all.bit[k], n + m);
            CHECK(known >= 1);
          }
          CHECK_NEAR(sum, 1, 1e-14);
          for (i = 0; i < n + m; i++) CHECK_NEAR(i < n ? sol.u[i] : sol.v[i - n], mu[i], 1e-14);
        }
        /* and no vertex is better at its gradient: the certificate */
        for (i = 0, level = 0; i < n; i++) {
          square += sol.u[i] * sol.u[i];
          if (sol.u[i] > 0) value += unary[i] * sol.u[i];
          slow[i] = unary[i] - rho * sol.u[i];
          if (sol.u[i] > 0) level += slow[i] * sol.u[i];
        }
        for (i = 0; i < m; i++) {
          value += higher[i] * sol.v[i];
          level += higher[i] * sol.v[i];
        }
        CHECK_NEAR(sol.a.value, value - 0.5 * rho * square, 1e-13 * scale);
        if (!CHECK(best_of(&all, slow, higher) - level <= 2e-14 * scale * 10))
          printf("    kind %d, scores %d, seed %d: gap %g\n", kind, how, seed, best_of(&all, slow, higher) - level);
        CHECK(sol.a.gap >= 0 && sol.a.gap <= 1e-12 * scale);
        if (how == 3 || all.count > 400) continue; /* the slow way is too slow there */
        ascend(&all, rho, unary, higher, slow);
        for (i = 0; i < n; i++) CHECK_NEAR(sol.u[i], slow[i], 2e-6);
        compared++;
      }
  CHECK(compared > 1500);
}

/* du and dhigher against central differences of the solution, away from kinks: where the mixture keeps its size. */
TEST(derivatives) {
  int kind, seed, checked = 0;
  for (kind = 0; kind < KINDS; kind++)
    for (seed = 0; seed < 25; seed++) {
      hfy_rng rng = hfy_rng_seed((uint64_t)(kind * 100 + seed + 7));
      double unary[BITS], higher[BITS], g[BITS], du[BITS], dv[BITS], rho = seed % 2 ? 1 : 2, h = 1e-6;
      size_t i, j, n, m, vertices_before;
      make(&all, kind, &rng);
      n = all.structure.unaries;
      m = all.structure.higher;
      draw_scores(&all.structure, 0, &rng, unary, higher);
      for (i = 0; i < n; i++) g[i] = hfy_rng_normal(&rng);
      CHECK(!solve(&all.structure, rho, unary, higher, NULL));
      vertices_before = sol.a.vertices;
      CHECK(!hfy_structure_vjp(&all.structure, rho, sol.a.vertices, sol.count, sol.on, g, du, dv, NULL));
      for (i = 0; i < n + m; i++) {
        double *x = i < n ? unary + i : higher + i - n, at = *x, ends[2], other[2];
        size_t sizes[2];
        int side;
        for (side = 0; side < 2; side++) {
          *x = at + (side ? h : -h);
          CHECK(!solve(&all.structure, rho, unary, higher, NULL));
          for (j = 0, ends[side] = 0; j < n; j++) ends[side] += g[j] * sol.u[j];
          other[side] = sol.a.value;
          sizes[side] = sol.a.vertices;
        }
        *x = at;
        if (sizes[0] != vertices_before || sizes[1] != vertices_before) continue;
        CHECK_NEAR(i < n ? du[i] : dv[i - n], (ends[1] - ends[0]) / (2 * h), 1e-6);
        CHECK(!solve(&all.structure, rho, unary, higher, NULL));
        CHECK_NEAR(i < n ? sol.u[i] : sol.v[i - n], (other[1] - other[0]) / (2 * h), 1e-6); /* Danskin */
        checked++;
      }
    }
  CHECK(checked > 600);
}

/* Scores that tie: two subsets of four can make 1/2 four times, and all six of them count. */
TEST(derivatives_at_ties) {
  int seed, few = 0;
  for (seed = 0; seed < 60; seed++) {
    hfy_rng rng = hfy_rng_seed((uint64_t)seed);
    const size_t n = 2 + below(&rng, 9);
    hfy_structure s = hfy_structure_sequence(n, 1 + below(&rng, n));
    double unary[10], g[10], du[10], mean = 0, free_bits = 0;
    size_t i, positive = 0;
    for (i = 0; i < n; i++) unary[i] = 0.25 * (double)below(&rng, 4), g[i] = hfy_rng_normal(&rng);
    CHECK(!solve(&s, 1, unary, NULL, NULL));
    CHECK(!hfy_structure_vjp(&s, 1, sol.a.vertices, sol.count, sol.on, g, du, NULL, NULL));
    for (i = 0; i < n; i++)
      if (sol.u[i] > 0 && sol.u[i] < 1) mean += g[i], free_bits++;
    for (i = 0; i < sol.a.vertices; i++) positive += sol.weight[i] > 0;
    few += positive > 1 && (double)positive < free_bits;
    for (i = 0; i < n; i++) CHECK_NEAR(du[i], sol.u[i] > 0 && sol.u[i] < 1 ? g[i] - mean / free_bits : 0, 1e-10);
  }
  CHECK(few > 8);
}

/* Mixtures that reach the solution before they span the face around it: without transitions the answer is clip(s/rho -
   tau, 0, 1), and du goes through its free bits less their mean. */
TEST(derivatives_of_large_mixtures) {
  static double unary[100], g[100], du[100];
  hfy_work work = {0};
  int seed, large = 0;
  for (seed = 0; seed < 24; seed++) {
    hfy_rng rng = hfy_rng_seed((uint64_t)seed);
    const size_t n = 100, k = 2 + below(&rng, seed < 6 ? 18 : n - 4);
    const double rho = 4 << seed % 6;
    hfy_structure s = hfy_structure_sequence(n, k);
    hfy_real theta[100], dy[100], y[100], d[100];
    hfy_sep sep;
    hfy_sep_grad grad;
    double mean = 0, free_bits = 0;
    size_t i;
    for (i = 0; i < n; i++) {
      dy[i] = (hfy_real)hfy_rng_normal(&rng);
      theta[i] = (hfy_real)hfy_rng_normal(&rng), unary[i] = (double)theta[i];
    }
    CHECK(!solve(&s, rho, unary, NULL, &work));
    for (i = 0; i < n; i++) { /* a slope where the answer is 0 or 1 changes nothing */
      if (sol.u[i] >= 1) dy[i] = 100;
      if (!(sol.u[i] > 0)) dy[i] = seed % 3 ? seed % 3 > 1 ? (hfy_real)HUGE_VAL : (hfy_real)1e12 : dy[i];
      g[i] = (double)dy[i];
    }
    for (i = 0; i < n; i++)
      if (sol.u[i] > 0 && sol.u[i] < 1) mean += g[i], free_bits++;
    large += free_bits > 50;
    CHECK(!hfy_structure_vjp(&s, rho, sol.a.vertices, sol.count, sol.on, g, du, NULL, &work));
    memset(&sep, 0, sizeof sep), memset(&grad, 0, sizeof grad);
    sep.kind = HFY_SEP_SEQUENCE_KSUBSETS, sep.k = (double)k, sep.rho = rho;
    grad.theta = d;
    CHECK(!hfy_sep_apply(&sep, theta, 1, n, y, &work) && !hfy_sep_vjp(&sep, theta, y, dy, 1, n, &grad, &work));
    for (i = 0; i < n; i++) {
      const double want = sol.u[i] > 0 && sol.u[i] < 1 ? (g[i] - mean / free_bits) / rho : 0;
      CHECK_NEAR(du[i], want, 1e-10);
      CHECK_NEAR(d[i], want, 1e-10 + REAL_EPS);
    }
  }
  CHECK(large > 15);
  for (seed = REAL_EPS < 1e-10 ? 3 : 0; seed < 3; seed++) { /* by differences, once */
    hfy_rng rng = hfy_rng_seed((uint64_t)seed);
    hfy_structure s = seed % 2 ? hfy_structure_matching(10) : hfy_structure_sequence(100, 12);
    double part[99], rho = seed % 2 ? 40 : 8, h = 1e-6 * rho;
    size_t i, j;
    for (i = 0; i < 100; i++) unary[i] = hfy_rng_normal(&rng), g[i] = hfy_rng_normal(&rng);
    for (i = 0; i < 99; i++) part[i] = 0.1 * (double)(i % 3);
    CHECK(!solve(&s, rho, unary, part, &work));
    CHECK(!hfy_structure_vjp(&s, rho, sol.a.vertices, sol.count, sol.on, g, du, NULL, &work));
    large += sol.a.vertices > 50;
    for (j = 0; j < 100; j += 9) {
      double ends[3] = {0, 0, 0}, at = unary[j];
      int side;
      for (side = 0; side < 3; side++) {
        unary[j] = at + h * (side - 1);
        CHECK(!solve(&s, rho, unary, part, &work));
        for (i = 0; i < 100; i++) ends[side] += g[i] * sol.u[i];
      }
      unary[j] = at;
      if (fabs(ends[2] - 2 * ends[1] + ends[0]) < 1e-4 * h) CHECK_NEAR(du[j], (ends[2] - ends[0]) / (2 * h), 1e-5);
    }
  }
  CHECK(large > (REAL_EPS < 1e-10 ? 15 : 16));
  hfy_work_free(&work);
}

/* Losses are not negative, 0 at the solution's own vertex, and the margin says when that is. */
/* After hundreds of steps the factor is still that of the vertices, so that the derivatives of a separation, which use
   it as it is, are those of a factor made anew. Where all scores are small beside rho stages need fewer steps. */
TEST(derivatives_after_many_steps) {
  static double unary[45], higher[44], g[45], dv[44], transitions[44];
  hfy_work work = {0};
  size_t i, j;
  for (j = 0; j < 2; j++) {
    hfy_rng rng = hfy_rng_seed(55);
    const size_t n = 30 + below(&rng, 16), k = n / 3 + below(&rng, n / 2);
    const double rho = pow(10, 2 + 2 * hfy_rng_uniform(&rng));
    hfy_structure s = hfy_structure_sequence(n, k);
    hfy_real theta[45], t[44], dy[45], y[45];
    hfy_sep sep;
    hfy_sep_grad grad;
    memset(&sep, 0, sizeof sep), memset(&grad, 0, sizeof grad);
    for (i = 0; i < n; i++) theta[i] = (hfy_real)(float)hfy_rng_normal(&rng), unary[i] = (double)theta[i];
    if (!j) theta[n - 1] = (hfy_real)(float)(-0.3 * rho), unary[n - 1] = (double)theta[n - 1];
    for (i = 0; i + 1 < n; i++) t[i] = (hfy_real)(float)hfy_rng_normal(&rng);
    for (i = 0; i + 1 < n; i++) t[i] = t[j ? 0 : i], higher[i] = (double)t[i];
    for (i = 0; i < n; i++) dy[i] = (hfy_real)(float)hfy_rng_normal(&rng), g[i] = (double)dy[i];
    sep.kind = HFY_SEP_SEQUENCE_KSUBSETS, sep.k = (double)k, sep.rho = rho, sep.transitions = t;
    grad.transitions = transitions;
    CHECK(!solve(&s, rho, unary, higher, &work) && sol.a.gap < 1e-13 * rho);
    CHECK(j ? sol.a.steps < 200 : sol.a.steps > 600);
    for (i = 0; i < n; i++) y[i] = (hfy_real)sol.u[i];
    CHECK(!hfy_structure_vjp(&s, rho, sol.a.vertices, sol.count, sol.on, g, NULL, dv, &work));
    CHECK(!hfy_sep_vjp(&sep, theta, y, dy, 1, n, &grad, &work));
    for (i = 0; i + 1 < n; i++) CHECK(fabs(rho * (transitions[i] - dv[i])) <= 1e-11);
  }
  hfy_work_free(&work);
}

TEST(losses_and_margins) {
  int kind, how, seed, zeros = 0;
  for (kind = 0; kind < KINDS; kind++)
    for (how = 0; how < 7; how++)
      for (seed = 0; seed < 20; seed++) {
        hfy_rng rng = hfy_rng_seed((uint64_t)(kind * 7000 + how * 100 + seed));
        double unary[BITS], higher[BITS], rho = seed % 3 ? 1 : 0.25, loss, slack, least;
        size_t i, j, k, n, m, on[BITS], count = 0;
        make(&all, kind, &rng);
        n = all.structure.unaries;
        m = all.structure.higher;
        draw_scores(&all.structure, how, &rng, unary, higher);
        if (solve(&all.structure, rho, unary, higher, NULL)) continue;
        j = seed % 2 ? below(&rng, all.count) : 0;
        if (!(seed % 2)) { /* the vertex nearest to the solution */
          double nearest = HUGE_VAL;
          for (k = 0; k < all.count; k++) {
            double far = 0;
            for (i = 0; i < n + m; i++) far += fabs(all.bit[k][i] - (i < n ? sol.u[i] : sol.v[i - n]));
            if (far < nearest) {
              nearest = far;
              j = k;
            }
          }
        }
        for (i = 0; i < n + m; i++)
          if (all.bit[j][i]) on[count++] = i;
        CHECK(!hfy_structure_loss(&all.structure, rho, unary, higher, on, count, &loss, NULL));
        CHECK(!hfy_structure_margin(&all.structure, rho, unary, higher, on, count, &slack, NULL));
        if (!(score_of(&all, j, unary, higher) > -HUGE_VAL)) {
          CHECK(loss > DBL_MAX && slack < -DBL_MAX);
          continue;
        }
        {
          double ones = 0, scale = 1 + fabs(sol.a.value) + fabs(score_of(&all, j, unary, higher));
          double own = score_of(&all, j, unary, higher), far = 0;
          for (i = 0; i < n; i++) {
            ones += all.bit[j][i];
            if (fabs(sol.u[i] - all.bit[j][i]) > far) far = fabs(sol.u[i] - all.bit[j][i]);
          }
          CHECK(fabs(loss - (sol.a.value + 0.5 * rho * ones - own)) <= 1e-13 * scale && loss >= 0);
          for (k = 0, least = 0; k < all.count; k++) {
            double shared = 0, one;
            for (i = 0; i < n; i++) shared += all.bit[j][i] && all.bit[k][i];
            one = own - score_of(&all, k, unary, higher) - rho * (ones - shared);
            if (one < least) least = one;
          }
          CHECK(fabs(slack - least) <= 1e-12 * scale);
          if (far > 1e-5) CHECK(slack < -1e-12 && loss > 0);
          if (slack >= 0) { /* then it is the answer, to the bit */
            zeros++;
            for (i = 0; i < n; i++) CHECK(fabs(sol.u[i] - all.bit[j][i]) <= 1e-7);
            CHECK(loss <= 1e-12 * scale);
          }
        }
      }
  CHECK(zeros > 100);
}

/* The loss and the margin of the solution's own vertex are 0 to the bit, whatever rho is and the order of its list. */
TEST(zero_at_the_solution) {
  int kind, seed, single = 0;
  for (kind = 0; kind < KINDS; kind++)
    for (seed = 0; seed < 60; seed++) {
      hfy_rng rng = hfy_rng_seed((uint64_t)(kind * 100 + seed));
      double unary[BITS], higher[BITS], loss = 1, slack = 1, rho = 0.1 * (1 + seed % 7);
      size_t i, on[BITS];
      make(&all, kind, &rng);
      draw_scores(&all.structure, 3, &rng, unary, higher);
      CHECK(!solve(&all.structure, rho, unary, higher, NULL));
      if (sol.a.vertices > 1) continue;
      single++;
      for (i = 0; i < sol.count[0]; i++) on[i] = sol.on[(i * 5 + 2) % sol.count[0]];
      for (i = 0; i < sol.count[0] && sol.count[0] % 5 == 0; i++) on[i] = sol.on[sol.count[0] - 1 - i];
      CHECK(!hfy_structure_loss(&all.structure, rho, unary, higher, on, sol.count[0], &loss, NULL));
      CHECK(!hfy_structure_margin(&all.structure, rho, unary, higher, on, sol.count[0], &slack, NULL));
      CHECK_EQ(loss, 0);
      CHECK_EQ(slack, 0);
    }
  CHECK(single > 200);
}

/* With all the weight in one vertex its bits are exact. */
TEST(integral_answers_are_exact) {
  int kind, seed, exact = 0;
  for (kind = 0; kind < KINDS; kind++)
    for (seed = 0; seed < 40; seed++) {
      hfy_rng rng = hfy_rng_seed((uint64_t)(kind * 1000 + seed));
      double unary[BITS], higher[BITS];
      size_t i;
      make(&all, kind, &rng);
      draw_scores(&all.structure, 3, &rng, unary, higher);
      CHECK(!solve(&all.structure, 1, unary, higher, NULL));
      if (sol.a.vertices > 1) continue;
      exact++;
      for (i = 0; i < all.structure.unaries; i++) CHECK(!(sol.u[i] > 0) || (!(sol.u[i] < 1) && !(sol.u[i] > 1)));
      CHECK(sol.weight[0] >= 1 && sol.weight[0] <= 1);
    }
  CHECK(exact > 150);
}

/* Bits that all vertices of a mixture share are 1 to the bit, however the weights round. */
TEST(shared_bits_are_exact) {
  int seed, mixtures = 0;
  for (seed = 0; seed < 200; seed++) {
    hfy_rng rng = hfy_rng_seed((uint64_t)seed);
    double unary[40];
    size_t i;
    hfy_structure s = hfy_structure_sequence(40, 8);
    for (i = 0; i < 40; i++) unary[i] = hfy_rng_normal(&rng) + (i % 13 == 4 ? 20 : 0);
    CHECK(!solve(&s, 1, unary, NULL, NULL));
    mixtures += sol.a.vertices > 4;
    for (i = 4; i < 40; i += 13) CHECK(sol.u[i] >= 1 && sol.u[i] <= 1);
  }
  CHECK(mixtures > 100);
}

/* Omega is infinite outside the hull: a mixture that is none, zeros and ones that are no vertex. */
TEST(values_outside) {
  static const size_t states[3] = {2, 2, 2};
  hfy_structure pairs = hfy_structure_matching(2), row = hfy_structure_chain(3, states);
  const hfy_real inside[4] = {(hfy_real)0.25, (hfy_real)0.75, (hfy_real)0.75, (hfy_real)0.25};
  const hfy_real outside[4] = {(hfy_real)0.5, (hfy_real)0.5, (hfy_real)0.75, (hfy_real)0.25};
  hfy_real labels[6] = {1, 0, 0, 1, 1, 0}, parts[8] = {0};
  hfy_sep sep;
  double omega;
  size_t i;
  memset(&sep, 0, sizeof sep);
  sep.kind = HFY_SEP_SPARSEMAP;
  sep.structure = &pairs;
  CHECK(!hfy_sep_value(&sep, inside, 1, 4, &omega, NULL));
  CHECK_NEAR(omega, 0.625, 1e-6);
  CHECK(!hfy_sep_value(&sep, outside, 1, 4, &omega, NULL) && omega > DBL_MAX);
  sep.structure = &row;
  sep.transitions = parts;
  parts[1] = (hfy_real)0.5; /* 0 then 1 in the first pair, 1 then 0 in the second */
  parts[6] = 2;
  CHECK(!hfy_sep_value(&sep, labels, 1, 6, &omega, NULL));
  CHECK_NEAR(omega, 1.5 - 2.5, 1e-12);
  labels[1] = 1; /* two states at once */
  CHECK(!hfy_sep_value(&sep, labels, 1, 6, &omega, NULL) && omega > DBL_MAX);
  labels[0] = labels[1] = 0; /* and none */
  CHECK(!hfy_sep_value(&sep, labels, 1, 6, &omega, NULL) && omega > DBL_MAX);
  labels[0] = labels[1] = 1, labels[2] = labels[3] = (hfy_real)5e-7; /* as many as a vertex, to rounding */
  CHECK(!hfy_sep_value(&sep, labels, 1, 6, &omega, NULL) && omega > DBL_MAX);
  sep.structure = &pairs, sep.transitions = NULL; /* weight on what is masked */
  for (i = 0; i < 4; i++) {
    const hfy_real swap[4] = {0, 1, 1, 0}, same[4] = {1, 0, 0, 1};
    hfy_real theta[4] = {0, 0, 0, 0};
    theta[i] = -(hfy_real)HUGE_VAL;
    CHECK(!hfy_sep_loss(&sep, theta, inside, 1, 4, &omega, NULL) && omega > DBL_MAX);
    CHECK(!hfy_sep_loss(&sep, theta, i % 3 ? swap : same, 1, 4, &omega, NULL) && omega > DBL_MAX);
    CHECK(!hfy_sep_loss(&sep, theta, i % 3 ? same : swap, 1, 4, &omega, NULL) && omega < 1);
  }
  for (i = 0; i < 6; i++) { /* not one that infinite transitions leave; huge ones that are shared do not enter */
    const hfy_real theta[4] = {5, 0, 0, 5}, apart[4] = {1, 0, 0, 1}, together[4] = {1, 1, 0, 0};
    const hfy_real holes[5] = {5, -(hfy_real)HUGE_VAL, 3, -(hfy_real)HUGE_VAL, 1}, ends[5] = {0, 0, 1, 0, 1};
    hfy_structure pair = hfy_structure_sequence(4, 2);
    sep.kind = i % 2 ? HFY_SEP_SPARSEMAP : HFY_SEP_SEQUENCE_KSUBSETS, sep.k = 2, sep.structure = &pair;
    sep.transition = i < 2 ? HUGE_VAL : i < 4 ? -HUGE_VAL : 1e30;
    CHECK(!hfy_sep_value(&sep, i < 2 ? apart : together, 1, 4, &omega, NULL) && (i > 3 || omega > DBL_MAX));
    CHECK(!hfy_sep_loss(&sep, theta, i < 2 ? apart : together, 1, 4, &omega, NULL));
    CHECK(i < 4 ? omega > DBL_MAX : fabs(omega - 0.5) < 1e-12);
    if (i > 1) continue;
    sep.k = 2, pair = hfy_structure_sequence(5, 2); /* no two neighbours are left: then nobody lacks a transition */
    CHECK(!hfy_sep_loss(&sep, holes, ends, 1, 5, &omega, NULL));
    CHECK_NEAR(omega, 4, 1e-6);
  }
  sep.transition = 0;
  for (i = 0; i < 3; i++) { /* outside in one number alone: that of a state that is the only one */
    hfy_real y[5] = {(hfy_real)0.5, (hfy_real)0.5, (hfy_real)0.5, (hfy_real)0.5, (hfy_real)0.5};
    size_t few[3] = {2, 2, 2};
    few[i] = 1;
    row = hfy_structure_chain(3, few), sep.structure = &row;
    CHECK(!hfy_sep_value(&sep, y, 1, 5, &omega, NULL) && omega > DBL_MAX);
    y[2 * i] = 1;
    CHECK(!hfy_sep_value(&sep, y, 1, 5, &omega, NULL) && omega < 2);
  }
}

/* t beyond every score: whole windows. HUGE_VAL and finite values that large agree to the bit; masks cut windows. */
TEST(transitions_without_limit) {
  int seed;
  for (seed = 0; seed < 60; seed++) {
    hfy_rng rng = hfy_rng_seed((uint64_t)seed);
    size_t n = 2 + below(&rng, 30), k = 1 + below(&rng, n), i, j, first;
    double unary[32], t[31], window[32], seen[32], top, level = 0, got[32], value;
    const double large[] = {HUGE_VAL, 1e300, 1e9, -HUGE_VAL, -1e300, -1e9};
    hfy_structure s = hfy_structure_sequence(n, k);
    for (i = 0; i < n; i++) unary[i] = seed % 3 ? hfy_rng_normal(&rng) : (double)below(&rng, 2);
    for (j = 0; j < 6; j++) {
      for (i = 0; i + 1 < n; i++) t[i] = large[j];
      CHECK(!solve(&s, 1, unary, t, NULL));
      CHECK(sol.a.gap < 1e-11 && fabs(sol.a.value) < 1e306);
      if (j % 3 == 0)
        memcpy(got, sol.u, n * sizeof *got);
      else
        CHECK(!memcmp(got, sol.u, n * sizeof *got));
      if (j > 2 && 2 * k > n + 1) continue; /* neighbours there must be */
      for (i = 0; i < sol.a.vertices; i++) { /* one run, or none that touch */
        size_t runs = 0, b;
        const size_t *on = sol.on + i * s.most;
        for (b = 0; b < k; b++) runs += !b || on[b] > on[b - 1] + 1;
        CHECK(runs == (j < 3 ? 1 : k));
      }
    }
    /* windows as a list of their own */
    for (i = 0; i + 1 < n; i++) t[i] = HUGE_VAL;
    CHECK(!solve(&s, 1, unary, t, NULL));
    value = sol.a.value;
    for (i = 0; i < n; i++) seen[i] = unary[i] - sol.u[i];
    for (i = 0; i < n; i++) level += seen[i] * sol.u[i];
    for (first = 0, top = -HUGE_VAL; first + k <= n; first++) {
      for (i = first, window[0] = 0; i < first + k; i++) window[0] += seen[i];
      if (window[0] > top) top = window[0];
    }
    CHECK(top - level < 1e-12);
    CHECK_NEAR(sol.v[0] < 1.5, 1, 0);
    for (i = 0, level = 0; i < n; i++) level += unary[i] * sol.u[i] - 0.5 * sol.u[i] * sol.u[i];
    CHECK_NEAR(value, level, 1e-12); /* the endless part is left out */
  }
  { /* a mask in the middle: no window of 3 fits on the left */
    double unary[7] = {9, 9, -HUGE_VAL, 1, 2, 1, 0.5}, t[6], one[1] = {1};
    hfy_structure s = hfy_structure_sequence(7, 3);
    size_t i, at[5] = {0, 1, 3, 7, 0};
    double loss;
    for (i = 0; i < 6; i++) t[i] = HUGE_VAL;
    CHECK(!solve(&s, 1, unary, t, NULL));
    CHECK(sol.u[0] <= 0 && sol.u[4] >= 1 && sol.u[5] >= 1);
    CHECK(!hfy_structure_loss(&s, 1, unary, t, at, 4, &loss, NULL) && loss > DBL_MAX); /* no window */
    for (i = 0; i < 6; i++) t[i] = i == 0 ? HUGE_VAL : i == 3 ? -HUGE_VAL : 0.5; /* mixed */
    CHECK(!solve(&s, 1, unary, t, NULL));
    CHECK(sol.u[0] >= 1 && sol.u[1] >= 1 && sol.v[3] <= 0);
    s = hfy_structure_sequence(1, 1);
    CHECK(!solve(&s, 1, one, NULL, NULL) && sol.u[0] >= 1 && sol.a.vertices == 1);
  }
}

/* Large and degenerate: few steps, a small gap, and no cycle where everything ties. */
TEST(large_and_tied) {
  static double unary[10000], t[9999];
  hfy_work work = {0};
  int how;
  for (how = 0; how < 6; how++) {
    size_t n = how < 4 ? 10000 : 60, k = how % 2 ? 8 : 2, i;
    hfy_rng rng = hfy_rng_seed((uint64_t)how);
    hfy_structure s = hfy_structure_sequence(n, how == 5 ? 30 : k);
    double sum = 0;
    for (i = 0; i < n; i++) unary[i] = how < 2 ? hfy_rng_normal(&rng) : how < 4 ? (double)(i < 40) : 0;
    for (i = 0; i + 1 < n; i++) t[i] = how == 5 ? 0 : 1;
    CHECK(!solve(&s, 1, unary, t, &work));
    CHECK(sol.a.gap <= 1e-8);
    CHECK(sol.a.steps <= 200);
    for (i = 0; i < n; i++) sum += sol.u[i];
    CHECK_NEAR(sum, s.k, 1e-11);
    if (how == 5) /* all equal, no transitions: everything k/n */
      for (i = 0; i < n; i++) CHECK_NEAR(sol.u[i], 0.5, 1e-12);
  }
  hfy_work_free(&work);
}

/* Mid-sized mixtures, up to a hundred vertices: every solve ends at a gap of rounding, in a bounded number of steps. */
TEST(mid_sized) {
  static double unary[200], t[199];
  hfy_work work = {0};
  int seed;
  for (seed = 0; seed < 200; seed++) {
    hfy_rng rng = hfy_rng_seed((uint64_t)seed);
    size_t n = 2 + below(&rng, 199), k = 1 + below(&rng, n < 20 ? n : 20), i;
    double rho, sum, sharpest = HUGE_VAL;
    hfy_structure s = hfy_structure_sequence(n, k);
    for (i = 0; i < n; i++) unary[i] = seed % 3 ? hfy_rng_normal(&rng) : (double)below(&rng, 3);
    for (i = 0; i + 1 < n; i++) t[i] = seed % 2 ? 0.1 * (double)(seed % 7) : 0;
    for (rho = 0.5; rho < 9; rho *= 2) {
      CHECK(!solve(&s, rho, unary, t, &work));
      CHECK(sol.a.gap <= 1e-11 * (1 + rho) && sol.a.steps <= 300); /* |u - best|^2 <= gap/rho */
      for (i = 0, sum = 0; i < n; i++) sum += sol.u[i];
      CHECK_NEAR(sum, (double)k, 1e-11);
      CHECK(sol.a.value <= sharpest); /* more weight on the quadratic costs */
      sharpest = sol.a.value;
    }
  }
  hfy_work_free(&work);
}

/* --- statuses --- */

static int bad_mode;

/* Right at first; then it misbehaves in one of several ways. */
static size_t bad_oracle(const hfy_structure *structure, const double *unary, const double *higher, size_t *on,
                         void *scratch) {
  int *calls = (int *)(uintptr_t)structure->context;
  size_t i, best = 0;
  (void)higher, (void)scratch;
  ++*calls;
  for (i = 0; i < structure->unaries; i++)
    if (unary[i] > unary[best]) best = i;
  on[0] = best;
  if (*calls < 2) return 1;
  switch (bad_mode) {
  case 0: on[0] = structure->unaries + structure->higher; return 1;
  case 1: on[1] = best; return 2;
  case 2: return structure->most + 1;
  case 3: return SIZE_MAX;
  default: /* the worst */
    for (i = 0; i < structure->unaries; i++)
      if (unary[i] < unary[on[0]]) on[0] = i;
    return 1;
  }
}

TEST(statuses) {
  const double nan_score[3] = {0, (double)NAN, 0}, inf_score[3] = {0, 0, HUGE_VAL}, ok[3] = {0.5, 0.4, 0.3};
  const double none[3] = {-HUGE_VAL, -HUGE_VAL, -HUGE_VAL}, huge[3] = {1e308, 1e308, 1e308};
  static const size_t no_state[2] = {2, 0}, states[2] = {1, 2};
  double u[9], nan_part[2] = {0, (double)NAN}, inf_part[2] = {0, HUGE_VAL}, out;
  size_t on[4] = {0, 1, 3, 9}, count, i;
  hfy_structure s = hfy_structure_ksubsets(3, 2), bad;
  hfy_structure_answer a;
  hfy_work work = {0};
  memset(&a, 0, sizeof a);
  a.unary = u;
  for (i = 0; i < 3; i++) u[i] = 7;
#define REFUSED(structure_, unary_, higher_, status_, part_) \
  (bad = (structure_), CHECK_FAILS(hfy_structure_solve(&bad, 1, unary_, higher_, &a, &work), status_, &work, part_),   \
   CHECK(u[0] >= 7 && u[0] <= 7))
  REFUSED(hfy_structure_ksubsets(3, 0), ok, NULL, HFY_ERR_ARG, "structure->k is 0");
  REFUSED(hfy_structure_ksubsets(3, 4), ok, NULL, HFY_ERR_ARG, "at most n, 3");
  REFUSED(hfy_structure_at_most(3, 4), ok, NULL, HFY_ERR_ARG, "structure->k is 4");
  REFUSED(hfy_structure_sequence(3, 0), ok, NULL, HFY_ERR_ARG, "structure->k is 0");
  REFUSED(hfy_structure_sequence(3, 4), ok, NULL, HFY_ERR_ARG, "structure->k is 4");
  REFUSED(hfy_structure_ksubsets(0, 0), ok, NULL, HFY_ERR_ARG, "unaries is 0");
  REFUSED(hfy_structure_matching(0), ok, NULL, HFY_ERR_ARG, "unaries is 0");
  REFUSED(hfy_structure_matching(SIZE_MAX / 2), ok, NULL, HFY_ERR_ARG, "below 2^32");
  REFUSED(hfy_structure_sequence(SIZE_MAX, 3), ok, NULL, HFY_ERR_ARG, "below 2^32");
  REFUSED(hfy_structure_chain(2, no_state), ok, NULL, HFY_ERR_ARG, "unaries is 0");
  REFUSED(hfy_structure_chain(2, NULL), ok, NULL, HFY_ERR_ARG, "unaries is 0");
  REFUSED(hfy_structure_chain(0, states), ok, NULL, HFY_ERR_ARG, "unaries is 0");
  REFUSED(hfy_structure_sequence(0, 1), ok, NULL, HFY_ERR_ARG, "unaries is 0");
  REFUSED((s.most = 0, s), ok, NULL, HFY_ERR_ARG, "structure->most is 0");
  REFUSED((s.most = 4, s), ok, NULL, HFY_ERR_ARG, "structure->most is 4");
  s = hfy_structure_ksubsets(3, 2);
  REFUSED((s.oracle = NULL, s), ok, NULL, HFY_ERR_ARG, "structure->oracle is NULL");
  s = hfy_structure_ksubsets(3, 2);
  REFUSED((s.tol = (double)NAN, s), ok, NULL, HFY_ERR_ARG, "structure->tol is nan");
  REFUSED((s.tol = HUGE_VAL, s), ok, NULL, HFY_ERR_ARG, "structure->tol is inf");
  s = hfy_structure_ksubsets(UINT32_MAX - 1, 1); /* its factor would have more numbers than there are sizes */
  REFUSED((s.max_active = SIZE_MAX, s), ok, NULL, HFY_ERR_NOMEM, "could not allocate");
  s = hfy_structure_ksubsets(3, 2);
  REFUSED(s, NULL, NULL, HFY_ERR_ARG, "unary is NULL");
  REFUSED(s, nan_score, NULL, HFY_ERR_NONFINITE, "unary or higher");
  REFUSED(s, inf_score, NULL, HFY_ERR_NONFINITE, "unary or higher");
  REFUSED(s, huge, NULL, HFY_ERR_NONFINITE, "range of double");
  REFUSED(s, none, NULL, HFY_ERR_ARG, "masked");
  REFUSED(hfy_structure_sequence(3, 2), ok, nan_part, HFY_ERR_NONFINITE, "unary or higher");
  REFUSED(hfy_structure_chain(2, states), ok, inf_part, HFY_ERR_NONFINITE, "unary or higher");
  CHECK_FAILS(hfy_structure_solve(NULL, 1, ok, NULL, &a, &work), HFY_ERR_ARG, &work, "structure is NULL");
  CHECK_FAILS(hfy_structure_solve(&s, 1, ok, NULL, NULL, &work), HFY_ERR_ARG, &work, "answer is NULL");
  CHECK_FAILS(hfy_structure_solve(&s, -1, ok, NULL, &a, &work), HFY_ERR_ARG, &work, "rho is -1");
  CHECK_FAILS(hfy_structure_solve(&s, HUGE_VAL, ok, NULL, &a, &work), HFY_ERR_ARG, &work, "rho is inf");
  CHECK_FAILS(hfy_structure_map(&s, NULL, NULL, on, &count, NULL, &work), HFY_ERR_ARG, &work, "unary is NULL");
  CHECK_FAILS(hfy_structure_loss(&s, 1, ok, NULL, NULL, 2, &out, &work), HFY_ERR_ARG, &work, "on is NULL");
  CHECK_FAILS(hfy_structure_loss(&s, 1, ok, NULL, on, 2, NULL, &work), HFY_ERR_ARG, &work, "loss is NULL");
  CHECK_FAILS(hfy_structure_loss(&s, 1, ok, NULL, on + 2, 2, &out, &work), HFY_ERR_ARG, &work, "it has 3");
  CHECK_FAILS(hfy_structure_loss(&s, 1, ok, NULL, on, 3, &out, &work), HFY_ERR_ARG, &work, "structure->most, 2");
  CHECK_FAILS(hfy_structure_margin(&s, 1, ok, NULL, on + 2, 1, &out, &work), HFY_ERR_ARG, &work, "it has 3");
  CHECK_FAILS(hfy_structure_margin(&s, 1, none, NULL, on, 2, &out, &work), HFY_ERR_ARG, &work, "masked");
  CHECK_FAILS(hfy_structure_margin(&s, 1, ok, NULL, on, 2, NULL, &work), HFY_ERR_ARG, &work, "slack is NULL");
  on[1] = 0;
  CHECK_FAILS(hfy_structure_margin(&s, 1, ok, NULL, on, 2, &out, &work), HFY_ERR_ARG, &work, "one bit twice");
  { /* the reverse pass */
    size_t counts[3] = {2, 2, 2}, lists[6] = {0, 1, 0, 2, 0, 1};
    CHECK(!hfy_structure_vjp(&s, 1, 2, counts, lists, ok, u, NULL, &work));
    CHECK_FAILS(hfy_structure_vjp(&s, 1, 3, counts, lists, ok, u, NULL, &work), HFY_ERR_SINGULAR, &work, "vertex 2");
    CHECK_FAILS(hfy_structure_vjp(&s, 1, 0, counts, lists, ok, u, NULL, &work), HFY_ERR_ARG, &work, "vertices is 0");
    CHECK_FAILS(hfy_structure_vjp(&s, 1, 5, counts, lists, ok, u, NULL, &work), HFY_ERR_ARG, &work, "vertices is 5");
    CHECK_FAILS(hfy_structure_vjp(&s, 1, 2, NULL, lists, ok, u, NULL, &work), HFY_ERR_ARG, &work, "count is NULL");
    CHECK_FAILS(hfy_structure_vjp(&s, 1, 2, counts, NULL, ok, u, NULL, &work), HFY_ERR_ARG, &work, "on is NULL");
    CHECK_FAILS(hfy_structure_vjp(&s, 1, 2, counts, lists, NULL, u, NULL, &work), HFY_ERR_ARG, &work, "du is NULL");
    CHECK_FAILS(hfy_structure_vjp(NULL, 1, 2, counts, lists, ok, u, NULL, &work), HFY_ERR_ARG, &work, "structure is NULL");
    lists[3] = 8;
    CHECK_FAILS(hfy_structure_vjp(&s, 1, 2, counts, lists, ok, u, NULL, &work), HFY_ERR_ARG, &work, "it has 3");
  }
  { /* every output is optional; alone it is what it is among others */
    const double part[2] = {0.3, -0.1};
    double score[2], weight[8], unary[2][3];
    size_t bits[2], lists[2][5], many[2][8], all_on[2][40];
    hfy_structure seq = hfy_structure_sequence(3, 2);
    hfy_structure_answer full;
    CHECK(!hfy_structure_map(&seq, ok, part, lists[0], bits, score, &work));
    CHECK(!hfy_structure_map(&seq, ok, part, NULL, NULL, score + 1, &work) && score[0] <= score[1] && score[0] >= score[1]);
    CHECK(!hfy_structure_map(&seq, ok, part, NULL, bits + 1, NULL, &work) && bits[0] == bits[1]);
    CHECK(!hfy_structure_map(&seq, ok, part, lists[1], NULL, NULL, &work) && same_bits(lists[0], lists[1], bits[0] * sizeof **lists));
    memset(&full, 0, sizeof full), full.room = 8;
    full.unary = unary[0], full.weight = weight, full.count = many[0], full.on = all_on[0];
    CHECK(!hfy_structure_solve(&seq, 1, ok, part, &full, &work));
    for (i = 0; i < 3; i++) {
      memset(&a, 0, sizeof a), a.room = 8;
      if (i == 0) a.unary = unary[1];
      if (i == 1) a.count = many[1];
      if (i == 2) a.on = all_on[1];
      CHECK(!hfy_structure_solve(&seq, 1, ok, part, &a, &work) && a.value <= full.value && a.value >= full.value);
    }
    CHECK(same_bits(unary[0], unary[1], sizeof *unary) && same_bits(many[0], many[1], full.vertices * sizeof **many));
    CHECK(full.vertices <= 8 && same_bits(all_on[0], all_on[1], many[0][0] * sizeof **all_on));
    CHECK(!hfy_structure_vjp(&seq, 1, full.vertices, many[0], all_on[0], ok, unary[0], NULL, &work));
    CHECK(!hfy_structure_vjp(&seq, 1, full.vertices, many[0], all_on[0], ok, NULL, score, &work));
    memset(&a, 0, sizeof a);
  }
  { /* an oracle that is none */
    int calls;
    static const char *const says[] = {"it has 3", "one bit twice", "structure->most, 2", "masked", "not its best"};
    static const double uneven[3] = {0.5, 0.4, -5};
    hfy_structure wrong;
    memset(&wrong, 0, sizeof wrong);
    wrong.unaries = 3;
    wrong.most = 2;
    wrong.oracle = bad_oracle;
    wrong.context = &calls;
    for (bad_mode = 0; bad_mode < 5; bad_mode++) {
      calls = 0;
      CHECK_FAILS(hfy_structure_solve(&wrong, 1, uneven, NULL, &a, &work),
                  bad_mode < 4 ? HFY_ERR_ARG : HFY_ERR_CONVERGENCE, &work, says[bad_mode]);
      CHECK(calls < 20);
    }
    bad_mode = 3, calls = 1; /* the vertex beside the list */
    CHECK_FAILS(hfy_structure_margin(&wrong, 1, uneven, NULL, on, 1, &out, &work), HFY_ERR_ARG, &work, "masked");
  }
  { /* lists without bits, an answer of endless parts alone, an oracle asked by itself */
    const double endless[2] = {HUGE_VAL, -HUGE_VAL}, worse[4] = {-HUGE_VAL, -HUGE_VAL, -HUGE_VAL, -HUGE_VAL};
    double room[20];
    s = hfy_structure_at_most(3, 2);
    CHECK(!hfy_structure_loss(&s, 1, ok, NULL, NULL, 0, &out, &work)), CHECK_NEAR(out, 0.25, 1e-15);
    CHECK(!hfy_structure_margin(&s, 1, ok, NULL, NULL, 0, &out, &work)), CHECK_NEAR(out, -0.9, 1e-15);
    s = hfy_structure_sequence(2, 2);
    CHECK(!hfy_structure_map(&s, ok, endless, NULL, NULL, &out, &work) && out > DBL_MAX);
    CHECK(!hfy_structure_map(&s, ok, endless + 1, NULL, NULL, &out, &work) && out < -DBL_MAX);
    s = hfy_structure_matching(2);
    CHECK(s.scratch <= sizeof room && s.oracle(&s, worse, NULL, on, room) == SIZE_MAX);
  }
  { /* limits: the last iterate comes back, with its gap */
    double unary[20], t[19];
    hfy_rng rng = hfy_rng_seed(4);
    double full, gaps[3];
    static double mixed[20];
    for (i = 0; i < 20; i++) unary[i] = 0.1 * hfy_rng_normal(&rng);
    for (i = 0; i < 19; i++) t[i] = 0.2;
    s = hfy_structure_sequence(20, 6);
    memset(&a, 0, sizeof a);
    a.unary = mixed;
    CHECK(!hfy_structure_solve(&s, 1, unary, t, &a, &work));
    full = a.value;
    CHECK(a.steps > 8 && a.vertices > 6);
    for (i = 0; i < 3; i++) {
      s.max_steps = i < 2 ? 2 + 3 * i : 0;
      s.max_active = i < 2 ? 0 : 4;
      CHECK_FAILS(hfy_structure_solve(&s, 1, unary, t, &a, &work), HFY_ERR_CONVERGENCE, &work,
                  i < 2 ? "max_steps: the gap is still" : "max_active: the gap is still");
      CHECK(a.gap > 1e-6 && a.value < full && a.value + a.gap >= full - 1e-12);
      gaps[i] = a.gap;
    }
    CHECK(gaps[1] < gaps[0] && a.vertices == 4);
    s.max_steps = s.max_active = 0;
    s.tol = 0.3; /* a gap to stop at */
    CHECK(!hfy_structure_solve(&s, 1, unary, t, &a, &work));
    CHECK(a.gap <= 0.3 && a.gap > 1e-6 && a.value + a.gap >= full - 1e-12);
  }
  { /* scratch of the caller's own */
    static double buffer[4000];
    hfy_work own;
    memset(&own, 0, sizeof own);
    s = hfy_structure_ksubsets(3, 2);
    own.buffer = buffer;
    own.capacity = 100;
    u[0] = 7;
    memset(&a, 0, sizeof a);
    a.unary = u;
    CHECK_FAILS(hfy_structure_solve(&s, 1, ok, NULL, &a, &own), HFY_ERR_NOMEM, &own, "this call needs");
    CHECK(u[0] >= 7 && own.peak <= sizeof buffer);
    own.capacity = own.peak;
    CHECK(!hfy_structure_solve(&s, 1, ok, NULL, &a, &own));
    CHECK(own.buffer == (void *)buffer && !own.owned);
  }
  hfy_work_free(&work);
}

/* --- as separations --- */

static void separate(const hfy_structure *s, hfy_sep *sep, hfy_real *transitions, const double *higher, double rho) {
  size_t i;
  memset(sep, 0, sizeof *sep);
  sep->kind = HFY_SEP_SPARSEMAP;
  sep->structure = s;
  sep->rho = rho;
  for (i = 0; i < s->higher; i++) transitions[i] = (hfy_real)higher[i];
  if (s->higher) sep->transitions = transitions;
}

TEST(separations_are_solves) {
  int kind, seed;
  hfy_work work = {0};
  for (kind = 0; kind < KINDS; kind++)
    for (seed = 0; seed < 20; seed++) {
      hfy_rng rng = hfy_rng_seed((uint64_t)(kind * 50 + seed));
      double unary[BITS], higher[BITS], conjugate, loss, omega, want;
      hfy_real theta[BITS], y[BITS], g[BITS], dt[BITS], target[BITS], transitions[BITS];
      double du[BITS], dg[BITS], dv[BITS], d_transition = -1, d_transitions[BITS], sum = 0;
      hfy_sep sep;
      hfy_sep_grad grad;
      size_t i, n, m, on[BITS], count;
      make(&all, kind, &rng);
      n = all.structure.unaries;
      m = all.structure.higher;
      draw_scores(&all.structure, 0, &rng, unary, higher);
      separate(&all.structure, &sep, transitions, higher, seed % 2 ? 2 : 0);
      for (i = 0; i < n; i++) {
        theta[i] = (hfy_real)unary[i];
        unary[i] = (double)theta[i];
      }
      for (i = 0; i < m; i++) higher[i] = (double)transitions[i];
      for (i = 0; i < n; i++) {
        g[i] = (hfy_real)hfy_rng_normal(&rng);
        dg[i] = (double)g[i];
      }
      CHECK(!solve(&all.structure, sep.rho, unary, higher, &work));
      CHECK(!hfy_structure_vjp(&all.structure, sep.rho, sol.a.vertices, sol.count, sol.on, dg, du, dv, &work));
      CHECK(!hfy_sep_apply(&sep, theta, 1, n, y, &work));
      for (i = 0; i < n; i++) CHECK_EQ(y[i], (double)(hfy_real)sol.u[i]);
      CHECK(!hfy_sep_conjugate(&sep, theta, 1, n, &conjugate, &work));
      CHECK_EQ(conjugate, sol.a.value);
      memset(&grad, 0, sizeof grad);
      grad.theta = dt;
      grad.transition = &d_transition;
      grad.transitions = d_transitions;
      CHECK(!hfy_sep_vjp(&sep, theta, y, g, 1, n, &grad, &work));
      for (i = 0; i < n; i++) CHECK_NEAR(dt[i], du[i], 1e-12 + REAL_EPS);
      for (i = 0; i < m; i++) CHECK_NEAR(d_transitions[i], dv[i], 1e-13), sum += dv[i];
      CHECK_NEAR(d_transition, sum, 1e-12);
      CHECK(!hfy_sep_loss(&sep, theta, y, 1, n, &loss, &work)); /* the prediction itself */
      CHECK_EQ(loss, 0);
      CHECK(hfy_sep_margin(&sep) > DBL_MAX);
      /* a vertex as target: Omega, and both ways to its loss */
      CHECK(!hfy_structure_map(&all.structure, unary, higher, on, &count, NULL, &work));
      for (i = 0; i < n; i++) target[i] = 0;
      for (i = 0; i < count; i++)
        if (on[i] < n) target[on[i]] = 1;
      CHECK(!hfy_sep_value(&sep, target, 1, n, &omega, &work));
      want = sep.rho > 0 ? 0.5 * sep.rho : 0.5;
      for (i = 0, sum = 0; i < count; i++) sum += on[i] < n ? want : -higher[on[i] - n];
      CHECK_NEAR(omega, sum, 1e-12);
      CHECK(!hfy_sep_loss(&sep, theta, target, 1, n, &loss, &work));
      CHECK(!hfy_structure_loss(&all.structure, sep.rho, unary, higher, on, count, &want, &work));
      CHECK_NEAR(loss, want, 1e-11);
      target[0] = (hfy_real)1.5;
      CHECK(!hfy_sep_value(&sep, target, 1, n, &omega, &work) && omega > DBL_MAX);
      /* a mixture has a value where no parts score */
      target[0] = (hfy_real)0.5;
      sep.transitions = NULL;
      sep.transition = 0;
      CHECK(!hfy_sep_apply(&sep, theta, 1, n, y, &work));
      CHECK(!hfy_sep_value(&sep, y, 1, n, &omega, &work));
      for (i = 0, sum = 0; i < n; i++) sum += (double)y[i] * (double)y[i];
      CHECK_NEAR(omega, (sep.rho > 0 ? 0.5 * sep.rho : 0.5) * sum, 1e-6);
      if (m) {
        sep.transition = 0.5;
        y[0] = (hfy_real)0.5;
        CHECK_FAILS(hfy_sep_value(&sep, y, 1, n, &omega, &work), HFY_ERR_UNSUPPORTED, &work, "a mixture");
      }
    }
  hfy_work_free(&work);
}

/* k = 1 is sparsemax; no transitions are k-subsets, with rho = 2 at half the scores; at most k leaves out what costs. */
TEST(relatives) {
  int seed;
  for (seed = 0; seed < 60; seed++) {
    hfy_rng rng = hfy_rng_seed((uint64_t)seed);
    hfy_real theta[200], half[200], a[200], b[200];
    size_t n = 2 + below(&rng, 199), k = 1 + below(&rng, n < 20 ? n : 20), i;
    hfy_sep sequence, subsets;
    memset(&sequence, 0, sizeof sequence);
    memset(&subsets, 0, sizeof subsets);
    sequence.kind = HFY_SEP_SEQUENCE_KSUBSETS;
    subsets.kind = HFY_SEP_KSUBSETS;
    for (i = 0; i < n; i++) {
      double v = seed % 3 ? hfy_rng_normal(&rng) : (double)below(&rng, 3);
      theta[i] = (hfy_real)v;
      half[i] = theta[i] / 2;
    }
    if (seed % 5 == 1) {
      theta[0] = half[0] = (hfy_real)-HUGE_VAL;
      k = k < n ? k : n - 1;
    }
    sequence.k = subsets.k = (double)k;
    CHECK(!hfy_sep_apply(&sequence, theta, 1, n, a, NULL) && !hfy_sep_apply(&subsets, theta, 1, n, b, NULL));
    for (i = 0; i < n; i++) CHECK_NEAR(a[i], b[i], 1e-12 + REAL_EPS);
    sequence.rho = 2;
    CHECK(!hfy_sep_apply(&sequence, theta, 1, n, a, NULL) && !hfy_sep_apply(&subsets, half, 1, n, b, NULL));
    for (i = 0; i < n; i++) CHECK_NEAR(a[i], b[i], 1e-12 + REAL_EPS);
    sequence.rho = 0; /* 0 = 1 */
    sequence.k = 0;
    subsets.kind = HFY_SEP_SPARSEMAX;
    CHECK(!hfy_sep_apply(&sequence, theta, 1, n, a, NULL) && !hfy_sep_apply(&subsets, theta, 1, n, b, NULL));
    for (i = 0; i < n; i++) CHECK_NEAR(a[i], b[i], 1e-12 + REAL_EPS);
    { /* the closed form of "at most": the box alone where it sums to no more than k */
      hfy_structure s = hfy_structure_at_most(n, k);
      double unary[200], box = 0;
      for (i = 0; i < n; i++) {
        unary[i] = (double)theta[i] - 0.7;
        box += unary[i] < 0 ? 0 : unary[i] > 1 ? 1 : unary[i];
      }
      CHECK(!solve(&s, 1, unary, NULL, NULL));
      if (box <= (double)k)
        for (i = 0; i < n; i++) CHECK_NEAR(sol.u[i], unary[i] < 0 ? 0 : unary[i] > 1 ? 1 : unary[i], 1e-12);
      else
        for (i = 0, box = 0; i < n; i++) box += sol.u[i];
      CHECK(box <= (double)k + 1e-11);
    }
  }
}

TEST(separation_statuses) {
  hfy_real theta[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8], dy[8] = {1}, nan_part[3] = {0, (hfy_real)NAN, 0};
  hfy_structure s = hfy_structure_ksubsets(4, 2);
  hfy_sep sep;
  hfy_sep_grad grad;
  hfy_work work = {0};
  double value, parts[3];
  size_t i;
  memset(&sep, 0, sizeof sep);
  memset(&grad, 0, sizeof grad);
  sep.kind = HFY_SEP_SPARSEMAP;
#define BAD(change, status_, part_) \
  (change, y[0] = 9, CHECK_FAILS(hfy_sep_apply(&sep, theta, 2, 4, y, &work), status_, &work, part_))
  BAD(sep.structure = NULL, HFY_ERR_ARG, "sep->structure is NULL");
  BAD((sep.structure = &s, s.k = 9), HFY_ERR_ARG, "sep->structure->k is 9");
  BAD(s = hfy_structure_ksubsets(5, 2), HFY_ERR_ARG, "sep->structure->unaries is 5; it should be n, 4");
  BAD((s = hfy_structure_ksubsets(4, 2), sep.rho = -1), HFY_ERR_ARG, "sep->rho is -1");
  BAD((sep.rho = 0, sep.kind = HFY_SEP_SEQUENCE_KSUBSETS, sep.k = 5), HFY_ERR_ARG, "sep->k is 5");
  BAD(sep.k = 1.5, HFY_ERR_ARG, "sep->k is 1.5");
  BAD((sep.k = 2, sep.transition = (double)NAN), HFY_ERR_ARG, "sep->transition is NaN");
  BAD((sep.transition = 0, sep.transitions = nan_part), HFY_ERR_ARG, "entry 1 is NaN");
  sep.transitions = NULL;
  /* one row without an answer leaves the other alone */
  theta[1] = (hfy_real)NAN;
  BAD(y[4] = 9, HFY_ERR_NONFINITE, "row 0: entry 1 is nan");
  CHECK(y[0] >= 9 && y[0] <= 9 && y[7] >= 1 && y[7] <= 1);
  for (i = 0; i < 3; i++) theta[i] = (hfy_real)-HUGE_VAL;
  BAD(y[4] = 9, HFY_ERR_ARG, "too few scores are not masked");
  for (i = 0; i < 8; i++) theta[i] = (hfy_real)(0.1 * (double)i);
  sep.kind = HFY_SEP_SPARSEMAP;
  s.max_steps = 1;
  BAD(y[4] = 9, HFY_ERR_CONVERGENCE, "row 0: SparseMAP met structure->max_steps; the gap is still");
  CHECK(y[0] >= 9 && y[0] <= 9);
  grad.theta = y;
  dy[1] = 2;
  CHECK(!hfy_sep_vjp(&sep, theta, y, dy, 2, 4, &grad, &work) && !(y[0] > 0) && !(y[0] < 0)); /* no answer: 0 */
  s.max_steps = 0;
  CHECK_FAILS(hfy_sep_vjp(&sep, NULL, y, dy, 2, 4, &grad, &work), HFY_ERR_ARG, &work, "theta is NULL");
  sep.kind = HFY_SEP_KSUBSETS;
  sep.k = 2;
  grad.transition = &value;
  CHECK_FAILS(hfy_sep_vjp(&sep, theta, y, dy, 2, 4, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "grad->transition ");
  grad.transition = NULL;
  grad.transitions = parts;
  CHECK_FAILS(hfy_sep_vjp(&sep, theta, y, dy, 2, 4, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "grad->transitions");
  sep.kind = HFY_SEP_SEQUENCE_KSUBSETS; /* no n to compare with */
  sep.k = 1e18;
  CHECK(hfy_sep_margin(&sep) > DBL_MAX);
  hfy_work_free(&work);
}

/* A sum of energies with two structured links: the sum of their answers, their conjugates and their derivatives. */
TEST(sums_of_structured_kinds) {
  hfy_real theta[30], sum[30], one[30], dy[30], d[30], e[30];
  hfy_structure s = hfy_structure_at_most(30, 4);
  hfy_sep first, second, joined;
  hfy_sep_grad grad;
  hfy_rng rng = hfy_rng_seed(3);
  double a = 0, b = 0, c = 0;
  size_t i;
  memset(&first, 0, sizeof first);
  memset(&second, 0, sizeof second);
  memset(&grad, 0, sizeof grad);
  first.kind = HFY_SEP_SEQUENCE_KSUBSETS;
  first.k = 5;
  first.transition = 0.3;
  second.kind = HFY_SEP_SPARSEMAP;
  second.structure = &s;
  joined = first;
  joined.plus = &second;
  for (i = 0; i < 30; i++) {
    theta[i] = (hfy_real)hfy_rng_normal(&rng);
    dy[i] = (hfy_real)hfy_rng_normal(&rng);
  }
  CHECK(!hfy_sep_apply(&joined, theta, 1, 30, sum, NULL));
  CHECK(!hfy_sep_apply(&first, theta, 1, 30, one, NULL));
  grad.theta = d;
  CHECK(!hfy_sep_vjp(&first, theta, one, dy, 1, 30, &grad, NULL));
  for (i = 0; i < 30; i++) {
    sum[i] -= one[i];
    e[i] = d[i];
  }
  CHECK(!hfy_sep_apply(&second, theta, 1, 30, one, NULL));
  CHECK(!hfy_sep_vjp(&second, theta, one, dy, 1, 30, &grad, NULL));
  for (i = 0; i < 30; i++) e[i] += d[i];
  for (i = 0; i < 30; i++) CHECK_NEAR(sum[i], one[i], 1e-12 + 4 * REAL_EPS);
  CHECK(!hfy_sep_vjp(&joined, theta, sum, dy, 1, 30, &grad, NULL));
  for (i = 0; i < 30; i++) CHECK_NEAR(d[i], e[i], 1e-12 + 8 * REAL_EPS);
  CHECK(!hfy_sep_conjugate(&joined, theta, 1, 30, &a, NULL) && !hfy_sep_conjugate(&first, theta, 1, 30, &b, NULL));
  CHECK(!hfy_sep_conjugate(&second, theta, 1, 30, &c, NULL));
  CHECK_NEAR(a, b + c, 1e-13);
}

/* --- scores of any size --- */

/* Exact rows, by an active set in rational numbers on all vertices: offsets, and scores far above the rest. */
TEST(exact_rows) {
  static const struct {
    size_t k;
    double rho, unary[6], part[5], u[6];
  } row[] = {
    {2, 1, {-0.421875, 0.828125, 0.8125, -0.3125, 0.5625, 0.390625},
     {0.359375, 0.5, -0.28125, -0.265625, -0.34375},
     {0, 0.890625, 0.875, 0, 0.125, 0.109375}},
    {3, 2, {1048575.765625, 1048576.421875, 1048576.859375, 1048575.1875, 1048577.0, 1048575.84375},
     {-0.0625, 0.0625, 0.46875, -0.078125, 0.15625},
     {0.244140625, 0.603515625, 0.791015625, 0.1640625, 0.8359375, 0.361328125}},
    {4, 0.25, {-1099511627776.421875, -1099511627775.578125, -1099511627776.328125, -1099511627776.28125,
               -1099511627775.46875, -1099511627775.84375},
     {0.34375, -0.421875, -0.140625, 0.25, 0.375},
     {0.40625, 1, 0, 0.59375, 1, 1}},
    {2, 1, {35184372088832.8125, 35184372088831.859375, 35184372088831.296875, 35184372088831.484375,
            35184372088832.515625, 35184372088832.84375},
     {0.171875, -0.265625, 0.46875, -0.34375, -0.25},
     {0.921875, 0, 0, 0, 0.375, 0.703125}},
    {2, 1, {-1099511627775.09375, 1e30, -1099511627775.109375, -1099511627776.78125, -1099511627775.96875,
            -1099511627776.75},
     {0.484375, 0.21875, 0.359375, 0.390625, 0.0625},
     {0.640625, 1, 0.359375, 0, 0, 0}},
    {3, 2, {35184372088831.984375, 35184372088832.6875, 35184372088832.921875, 35184372088832.234375, 1e300,
            35184372088832.6875},
     {-0.265625, 0, 0.078125, -0.4375, 0.046875},
     {0.171875, 0.5234375, 0.640625, 0.1171875, 1, 0.546875}},
    {4, 0.25, {1e30, -0.671875, 0.53125, 0.09375, 0.5, -0.21875},
     {0.09375, -0.078125, -0.140625, -0.109375, 0.125},
     {1, 0, 1, 0.375, 1, 0.625}},
    {2, 1, {1048576.109375, 1e300, 1048576.828125, 1048576.796875, 1048575.21875, 1048575.390625},
     {0.5, 0.484375, 0.09375, -0.34375, -0.03125},
     {7 / 192.0, 1, 71 / 96.0, 43 / 192.0, 0, 0}},
};
  static const double ties[4] = {1e30, 1e30, 1e30, 0};
  size_t i, j;
  for (j = 0; j < COUNT(row); j++) {
    hfy_structure s = hfy_structure_sequence(6, row[j].k);
    CHECK(!solve(&s, row[j].rho, row[j].unary, row[j].part, NULL));
    CHECK(sol.a.gap <= 1e-13);
    for (i = 0; i < 6; i++) CHECK_NEAR(sol.u[i], row[j].u[i], 1e-14);
  }
  for (j = 0; j < 2; j++) {
    hfy_structure s = j ? hfy_structure_ksubsets(4, 2) : hfy_structure_sequence(4, 2);
    CHECK(!solve(&s, 1, ties, NULL, NULL));
    for (i = 0; i < 4; i++) CHECK_NEAR(sol.u[i], i < 3 ? 2 / 3.0 : 0, 1e-15);
  }
}

/* What changes nothing changes no bit: a number added to all scores (to those of one variable, of one row), powers of two
   times scores, parts and rho together. Losses and margins hold their digits, too. */
TEST(scores_of_any_size) {
  static const int kinds[] = {SUBSETS, SEQUENCE, CHAIN, MATCHING};
  size_t which;
  int seed;
  for (which = 0; which < COUNT(kinds); which++)
    for (seed = 0; seed < 60; seed++) {
      hfy_rng rng = hfy_rng_seed((uint64_t)(which * 100 + (size_t)seed));
      double unary[BITS], higher[BITS], moved[BITS], parts[BITS], u[BITS], loss, slack, got;
      double rho = seed % 2 ? 1 : 2, scale = ldexp(1, seed % 5 * 150 - 300);
      size_t i, j, n, m, on[BITS], count = 0, at = 0, variable = 0;
      make(&all, kinds[which], &rng);
      n = all.structure.unaries;
      m = all.structure.higher;
      for (i = 0; i < n; i++) unary[i] = (double)below(&rng, 129) / 64 - 1;
      for (i = 0; i < m; i++) higher[i] = (double)below(&rng, 65) / 64 - 0.5;
      j = below(&rng, all.count);
      for (i = 0; i < n + m; i++)
        if (all.bit[j][i]) on[count++] = i;
      CHECK(!solve(&all.structure, rho, unary, higher, NULL));
      memcpy(u, sol.u, n * sizeof *u);
      CHECK(!hfy_structure_loss(&all.structure, rho, unary, higher, on, count, &loss, NULL));
      CHECK(!hfy_structure_margin(&all.structure, rho, unary, higher, on, count, &slack, NULL));
      for (i = 0; i < n; i++) {
        size_t last = kinds[which] == CHAIN ? at + all.states[variable] : at + all.structure.k;
        if ((kinds[which] == CHAIN || kinds[which] == MATCHING) && i == last) at = last, variable++;
        moved[i] = unary[i] + (variable % 2 ? -1 : 1) * ldexp(1, 30 + seed % 12);
      }
      CHECK(!solve(&all.structure, rho, moved, higher, NULL));
      CHECK(!memcmp(u, sol.u, n * sizeof *u));
      CHECK(!hfy_structure_loss(&all.structure, rho, moved, higher, on, count, &got, NULL));
      CHECK_NEAR(got, loss, 1e-13);
      CHECK(!hfy_structure_margin(&all.structure, rho, moved, higher, on, count, &got, NULL));
      CHECK_NEAR(got, slack, 1e-13);
      for (i = 0; i < n; i++) moved[i] = unary[i] * scale;
      for (i = 0; i < m; i++) parts[i] = higher[i] * scale;
      CHECK(!solve(&all.structure, rho * scale, moved, parts, NULL));
      if (kinds[which] != MATCHING) CHECK(!memcmp(u, sol.u, n * sizeof *u)); /* masked pairs cost 1 more there */
      for (i = 0; i < n; i++) CHECK_NEAR(sol.u[i], u[i], 1e-13);
      CHECK(!hfy_structure_loss(&all.structure, rho * scale, moved, parts, on, count, &got, NULL));
      CHECK_NEAR(got / scale, loss, 1e-13);
    }
}

/* Scores far above and below are on and off, and the others do not feel them; infinite transitions neither. */
TEST(far_scores) {
  int seed;
  for (seed = 0; seed < 80; seed++) {
    hfy_rng rng = hfy_rng_seed((uint64_t)seed);
    double unary[9], higher[8], near_by[9], loss, slack, far = pow(10, seed % 7 * 50);
    size_t i, at = below(&rng, 9), under = (at + 1 + below(&rng, 8)) % 9, on[17], k = 2 + below(&rng, 5), count;
    hfy_structure s = hfy_structure_sequence(9, k);
    for (i = 0; i < 9; i++) near_by[i] = unary[i] = hfy_rng_normal(&rng);
    for (i = 0; i < 8; i++) higher[i] = 0.3 * hfy_rng_normal(&rng);
    unary[at] = 1e5 * far;
    near_by[at] = 100;
    unary[under] = -1e5 * far;
    near_by[under] = -100;
    CHECK(!solve(&s, 1, near_by, higher, NULL));
    memcpy(near_by, sol.u, sizeof near_by);
    CHECK(near_by[at] >= 1 && near_by[under] <= 0);
    CHECK(!solve(&s, 1, unary, higher, NULL));
    for (i = 0; i < 9; i++) CHECK_NEAR(sol.u[i], near_by[i], 1e-14);
    /* a vertex without the one above: how much it lacks shows in the loss and in the margin */
    for (i = 0, count = 0; count < k && i < 9; i++)
      if (i != at && i != under) on[count++] = i;
    for (i = 1; i < k; i++)
      if (on[i] == on[i - 1] + 1) on[count++] = 9 + on[i - 1];
    CHECK(!hfy_structure_loss(&s, 1, unary, higher, on, count, &loss, NULL));
    CHECK_NEAR(loss / far, 1e5, 1e-3);
    CHECK(!hfy_structure_margin(&s, 1, unary, higher, on, count, &slack, NULL));
    CHECK_NEAR(slack / far, -1e5, 1e-3);
  }
  { /* the lowest score of all is far below, and no window needs it */
    const double unary[4] = {0, 0, 0, -1e30}, endless[3] = {HUGE_VAL, HUGE_VAL, HUGE_VAL};
    static const double want[4] = {0.5, 1, 0.5, 0};
    static const size_t apart[2] = {0, 2};
    hfy_structure s = hfy_structure_sequence(4, 2);
    double slack;
    size_t i;
    CHECK(!solve(&s, 1, unary, endless, NULL));
    for (i = 0; i < 4; i++) CHECK_NEAR(sol.u[i], want[i], 1e-15);
    CHECK(!hfy_structure_margin(&s, 1, unary, endless, apart, 2, &slack, NULL) && slack < -DBL_MAX);
  }
}

/* Without transitions the answer has a closed form: clip(s/rho - tau, 0, 1). Mixtures of a hundred vertices, among them
   nearly dependent ones, whose weights hang on the last digits. */
TEST(closed_form) {
  static const int seeds[] = {116, 319, 382, 590, 932, 998, 1184, 1309, 1699, 1816, 1859, 1874};
  static double unary[200];
  hfy_work work = {0};
  size_t j;
  for (j = 0; j < 30; j++) {
    uint64_t seed = j < COUNT(seeds) ? (uint64_t)seeds[j] : j;
    hfy_rng rng = hfy_rng_seed(seed);
    size_t n = 2 + below(&rng, 199), k = 1 + below(&rng, n < 20 ? n : 20), i;
    hfy_structure s = hfy_structure_sequence(n, k);
    double rho;
    for (i = 0; i < n; i++) unary[i] = seed % 3 ? hfy_rng_normal(&rng) : (double)below(&rng, 3);
    for (rho = 4; rho < 9; rho *= 2) {
      double low = -10, high = 10, tau, sum;
      int step;
      CHECK(!solve(&s, rho, unary, NULL, &work));
      CHECK(sol.a.gap <= 1e-12 && sol.a.steps < 200);
      for (step = 0; step < 80; step++) {
        for (i = 0, sum = 0, tau = 0.5 * (low + high); i < n; i++) {
          double y = unary[i] / rho - tau;
          sum += y < 0 ? 0 : y > 1 ? 1 : y;
        }
        if (sum > (double)k)
          low = tau;
        else
          high = tau;
      }
      for (i = 0; i < n; i++) {
        double y = unary[i] / rho - low;
        CHECK_NEAR(sol.u[i], y < 0 ? 0 : y > 1 ? 1 : y, 1e-12);
      }
    }
  }
  hfy_work_free(&work);
}

/* SEQUENCE_KSUBSETS without transitions against KSUBSETS, which is solved by projection, over all sizes of scores. */
TEST(sequences_of_any_size) {
  int seed;
  for (seed = 0; seed < 300; seed++) {
    hfy_rng rng = hfy_rng_seed((uint64_t)seed);
    hfy_real theta[12], target[12], a[12], b[12];
    double scale = pow(10, 60 * hfy_rng_uniform(&rng) - 30), rho = pow(10, 24 * hfy_rng_uniform(&rng) - 12), la, lb;
    size_t n = 2 + below(&rng, 11), k = 1 + below(&rng, n), i;
    hfy_sep sequence, subsets;
    memset(&sequence, 0, sizeof sequence);
    memset(&subsets, 0, sizeof subsets);
    sequence.kind = HFY_SEP_SEQUENCE_KSUBSETS;
    subsets.kind = HFY_SEP_KSUBSETS;
    sequence.k = subsets.k = (double)k;
    sequence.rho = subsets.rho = seed % 4 ? rho : 1;
    for (i = 0; i < n; i++) {
      double v = seed % 3 == 0   ? (double)below(&rng, 2) * scale
                 : seed % 3 == 1 ? hfy_rng_normal(&rng) * scale
                                 : sequence.rho * (hfy_rng_normal(&rng) + (seed % 2 ? 1e6 : 1e12));
      theta[i] = (hfy_real)v;
      target[i] = i < k;
    }
    CHECK(!hfy_sep_apply(&sequence, theta, 1, n, a, NULL) && !hfy_sep_apply(&subsets, theta, 1, n, b, NULL));
    for (i = 0; i < n; i++) CHECK_NEAR(a[i], b[i], 1e-12 + REAL_EPS);
    CHECK(!hfy_sep_loss(&sequence, theta, target, 1, n, &la, NULL));
    CHECK(!hfy_sep_loss(&subsets, theta, target, 1, n, &lb, NULL));
    CHECK(fabs(la - lb) <= 1e-6 * (fabs(lb) + sequence.rho)); /* the latter is told the prediction as it rounds */
  }
}

/* A sequence's solver takes tol, max_steps and max_active from sep.structure, and nothing else of it. */
TEST(limits_of_a_sequence) {
  hfy_real theta[40], plain[40], y[40];
  double unary[40], higher[19];
  hfy_rng rng = hfy_rng_seed(4);
  hfy_structure options, s = hfy_structure_sequence(20, 6);
  hfy_work work = {0};
  hfy_sep sep;
  size_t i;
  memset(&sep, 0, sizeof sep);
  memset(&options, 0, sizeof options);
  for (i = 0; i < 40; i++) theta[i] = (hfy_real)(i < 20 ? 0.1 * hfy_rng_normal(&rng) : (double)(i % 20));
  for (i = 0; i < 20; i++) unary[i] = (double)theta[i];
  for (i = 0; i < 19; i++) higher[i] = 0.25;
  sep.kind = HFY_SEP_SEQUENCE_KSUBSETS;
  sep.k = 6;
  sep.transition = 0.25;
  CHECK(!hfy_sep_apply(&sep, theta, 2, 20, plain, &work));
  sep.structure = &options; /* zeroed, or with members that say nothing: the default */
  CHECK(!hfy_sep_apply(&sep, theta, 2, 20, y, &work) && !memcmp(y, plain, sizeof y));
  options.unaries = 3;
  options.k = 99;
  options.most = 1;
  CHECK(!hfy_sep_apply(&sep, theta, 2, 20, y, &work) && !memcmp(y, plain, sizeof y));
  options.tol = s.tol = 0.2;
  CHECK(!solve(&s, 1, unary, higher, &work) && sol.a.gap > 1e-3 && sol.a.gap <= 0.2);
  CHECK(!hfy_sep_apply(&sep, theta, 2, 20, y, &work) && memcmp(y, plain, sizeof y));
  for (i = 0; i < 20; i++) CHECK_EQ(y[i], (double)(hfy_real)sol.u[i]);
  options.tol = 0;
  options.max_steps = 5;
  for (i = 0; i < 40; i++) y[i] = 9;
  CHECK_FAILS(hfy_sep_apply(&sep, theta, 2, 20, y, &work), HFY_ERR_CONVERGENCE, &work,
              "row 0: SparseMAP met structure->max_steps; the gap is still 0.");
  CHECK_CONTAINS(work.message, "after 5 steps");
  CHECK(y[0] >= 9 && y[19] >= 9 && !memcmp(y + 20, plain + 20, 20 * sizeof *y)); /* the easy row is answered */
  options.max_steps = 0;
  options.max_active = 4;
  CHECK_FAILS(hfy_sep_conjugate(&sep, theta, 1, 20, unary, &work), HFY_ERR_CONVERGENCE, &work,
              "row 0: SparseMAP met structure->max_active; the gap is still");
  CHECK_CONTAINS(work.message, "with 4 vertices");
  options.tol = -1;
  CHECK_FAILS(hfy_sep_apply(&sep, theta, 2, 20, y, &work), HFY_ERR_ARG, &work, "sep->structure->tol is -1");
  hfy_work_free(&work);
}

/* --- in the net --- */

#define N 24
#define D 160

static hfy_real keys[N * D];

static hfy_net a_net(hfy_sep_kind kind, const hfy_structure *s) {
  hfy_net net;
  hfy_rng rng = hfy_rng_seed(12);
  size_t i;
  for (i = 0; i < N * D; i++) keys[i] = (hfy_real)hfy_rng_sign(&rng);
  memset(&net, 0, sizeof net);
  net.dim = D;
  net.count = N;
  net.keys = keys;
  net.beta = 0.3;
  net.sep.kind = kind;
  net.sep.k = 3;
  net.sep.structure = s;
  return net;
}

TEST(associations_come_back) {
  hfy_structure s = hfy_structure_sequence(N, 3);
  int how;
  for (how = 0; how < 3; how++) {
    hfy_net net = a_net(how ? how > 1 ? HFY_SEP_SPARSEMAP : HFY_SEP_SEQUENCE_KSUBSETS : HFY_SEP_KSUBSETS, &s);
    size_t first, i, d, support[N];
    hfy_real q[N * D], out[N * D], alone[D], weights[N * N];
    double energy[N * 7];
    hfy_report report;
    hfy_work work = {0};
    memset(&report, 0, sizeof report);
    memset(q, 0, sizeof q);
    net.max_steps = 6;
    net.sep.transition = how == 1 ? 0.4 : 0.1;
    report.support = support;
    report.energy = energy;
    report.weights = weights;
    for (first = 0; first < N; first++) /* the sum of three neighbours, the last of them dimmed, and noise */
      for (d = 0; d < D; d++) {
        hfy_rng rng = hfy_rng_seed((uint64_t)(first * D + d));
        size_t at = first < N - 2 ? first : N - 3;
        q[first * D + d] = keys[at * D + d] + keys[(at + 1) * D + d] + (hfy_real)0.8 * keys[(at + 2) * D + d] +
                           (hfy_real)(0.3 * hfy_rng_normal(&rng));
      }
    CHECK(!hfy_retrieve(&net, q, N, out, &report, &work));
    for (first = 0; first < N; first++) {
      size_t at = first < N - 2 ? first : N - 3;
      int exact = 1;
      for (d = 0; d < D; d++) {
        hfy_real want = keys[at * D + d] + keys[(at + 1) * D + d] + keys[(at + 2) * D + d];
        exact &= out[first * D + d] >= want && out[first * D + d] <= want;
      }
      CHECK(exact && support[first] == 3);
      for (i = 1; i < 7; i++)
        CHECK(energy[first * 7 + i] <= energy[first * 7 + i - 1] + 1e-4 * REAL_EPS / 1e-7 * (1 + fabs(energy[first * 7])));
      CHECK(!hfy_retrieve(&net, q + first * D, 1, alone, NULL, &work)); /* the same bits, alone and without a report */
      CHECK(!memcmp(alone, out + first * D, sizeof alone));
    }
    CHECK(!hfy_energy(&net, q, N, energy + 1, &work));
    hfy_work_free(&work);
  }
}

/* Reverse mode through two steps, transitions and beta among the parameters, against differences of the whole walk. */
TEST(gradients_of_retrieval) {
  int kind;
  for (kind = 0; kind < 2; kind++) {
    hfy_structure s = hfy_structure_sequence(N, 3);
    hfy_net net = a_net(kind ? HFY_SEP_SPARSEMAP : HFY_SEP_SEQUENCE_KSUBSETS, &s);
    hfy_real q[2 * D], out[2 * D], g[2 * D], dq[2 * D], dk[N * D], tr[N - 1];
    double beta = 0, transition = 0, transitions[N - 1] = {0}, h = sizeof(hfy_real) == 8 ? 1e-6 : 3e-3;
    double tol = sizeof(hfy_real) == 8 ? 1e-6 : 2e-2;
    hfy_grad grad;
    hfy_rng rng = hfy_rng_seed(5);
    size_t i, j;
    memset(&grad, 0, sizeof grad);
    memset(dq, 0, sizeof dq);
    memset(dk, 0, sizeof dk);
    for (i = 0; i < 2 * D; i++) {
      q[i] = (hfy_real)(0.7 * hfy_rng_normal(&rng));
      g[i] = (hfy_real)hfy_rng_normal(&rng);
    }
    for (i = 0; i < N - 1; i++) tr[i] = (hfy_real)(0.2 + 0.05 * (double)(i % 3));
    net.beta = 0.04;
    net.max_steps = 2;
    if (kind)
      net.sep.transitions = tr;
    else
      net.sep.transition = 0.25;
    grad.queries = dq;
    grad.keys = dk;
    grad.beta = &beta;
    grad.transition = &transition;
    grad.transitions = transitions;
    CHECK(!hfy_retrieve_vjp(&net, q, 2, g, &grad, NULL));
    for (j = 0; j < 12; j++) {
      hfy_real *x = j < 4 ? q + 17 * j : j < 8 ? keys + 101 * j : kind && j < 11 ? tr + 5 * (j - 8) : NULL, at = 0;
      double ends[2] = {0, 0}, want;
      int side;
      if (x) at = *x;
      for (side = 0; side < 2; side++) {
        double move = side ? h : -h;
        hfy_net moved = net;
        if (x)
          *x = (hfy_real)((double)at + move);
        else if (j == 11)
          moved.beta += move * 0.1;
        else
          moved.sep.transition += move;
        CHECK(!hfy_retrieve(&moved, q, 2, out, NULL, NULL));
        for (i = 0; i < 2 * D; i++) ends[side] += (double)g[i] * (double)out[i];
        if (x) *x = at;
      }
      want = (ends[1] - ends[0]) / (2 * h * (j == 11 ? 0.1 : 1));
      CHECK_NEAR(j < 4   ? (double)dq[17 * j]
                 : j < 8 ? (double)dk[101 * j]
                 : j == 11 ? beta
                 : kind    ? transitions[5 * (j - 8)]
                           : transition,
                 want, tol * (j == 11 ? 10 : 1));
    }
  }
}

TEST(energy_constants) {
  hfy_structure s = hfy_structure_sequence(N, 3);
  hfy_net net = a_net(HFY_SEP_SPARSEMAP, &s), same = a_net(HFY_SEP_KSUBSETS, NULL);
  double a, b;
  int form;
  for (form = 0; form <= HFY_ENERGY_FY; form++) { /* without transitions it is k-subsets */
    CHECK(!hfy_energy_constant(&net, (hfy_energy_form)form, &a, NULL));
    CHECK(!hfy_energy_constant(&same, (hfy_energy_form)form, &b, NULL));
    CHECK_NEAR(a, b, 1e-5);
  }
  net.sep.transition = 0.5;
  CHECK(!hfy_energy_constant(&net, HFY_ENERGY_PAPER, &a, NULL));
}

#ifndef HFY_CORE_ONLY
/* Where the terms promise exact retrieval it happens, from every side; and the terms are those of a list of all vertices. */
TEST(promised_associations) {
  int seed, promised = 0, kind;
  for (kind = 0; kind < 3; kind++)
    for (seed = 0; seed < 60; seed++) {
      enum { n = 9, dim = 12 };
      hfy_rng rng = hfy_rng_seed((uint64_t)(seed + 1000 * kind));
      hfy_real x[n * dim], q[dim], out[dim];
      hfy_net net;
      hfy_theory_association a;
      size_t i, j, d, y[n], count = 0, k = 1 + below(&rng, 4);
      double delta = HUGE_VAL, overlap = 0, far = 0, longest = 0, t = kind ? 0.5 * hfy_rng_normal(&rng) : 0;
      double theta[n], higher[n - 1], center[dim], own = 0, top = 0, v[dim];
      int step;
      memset(&net, 0, sizeof net);
      for (i = 0; i < n * dim; i++) x[i] = (hfy_real)(hfy_rng_sign(&rng) * (seed % 3 ? 1 : hfy_rng_uniform(&rng)));
      net.dim = dim;
      net.count = n;
      net.keys = x;
      net.beta = 0.2 + hfy_rng_uniform(&rng) * 2;
      all.count = 0;
      all.structure = kind ? hfy_structure_sequence(n, k) : hfy_structure_ksubsets(n, k);
      list_subsets(&all, n, k, kind ? SEQUENCE : SUBSETS);
      net.sep.kind = kind == 2 ? HFY_SEP_SPARSEMAP : kind ? HFY_SEP_SEQUENCE_KSUBSETS : HFY_SEP_KSUBSETS;
      net.sep.k = (double)k;
      net.sep.structure = &all.structure;
      net.sep.transition = t;
      if (seed % 4 == 1) net.sep.rho = 2;
      j = below(&rng, all.count);
      for (i = 0; i < n; i++)
        if (all.bit[j][i]) y[count++] = i;
      CHECK(!hfy_theory_associates(&net, y, count, &a, NULL));
      memset(center, 0, sizeof center);
      for (i = 0; i < count; i++)
        for (d = 0; d < dim; d++) center[d] += (double)x[y[i] * dim + d];
      for (i = 0; i < n; i++) {
        double square = 0;
        theta[i] = 0;
        for (d = 0; d < dim; d++) {
          theta[i] += net.beta * (double)x[i * dim + d] * center[d];
          square += (double)x[i * dim + d] * (double)x[i * dim + d];
        }
        if (sqrt(square) > longest) longest = sqrt(square);
        if (i + 1 < n) higher[i] = t;
      }
      own = score_of(&all, j, theta, higher);
      for (i = 0; i < all.count; i++) {
        double differ = 0, gap = (own - score_of(&all, i, theta, higher)) / net.beta;
        if (i == j) continue;
        for (d = 0; d < n; d++) differ += all.bit[i][d] != all.bit[j][d];
        if (differ > far) far = differ;
        if (gap < delta) delta = gap;
      }
      overlap = far; /* vertices have equally many unaries on */
      CHECK_NEAR(a.separation, delta, 1e-11);
      CHECK_NEAR(a.distance, far, 0);
      CHECK_NEAR(a.overlap, overlap, 0);
      CHECK_NEAR(a.longest, longest, 1e-14);
      CHECK_NEAR(a.needed, (net.sep.rho > 0 ? net.sep.rho : 1) * far / (2 * net.beta), 1e-13);
      for (d = 0; d < dim; d++) v[d] = hfy_rng_normal(&rng); /* sigma by many plain iterations, from below */
      for (step = 0; step < 3000; step++) {
        double w[dim] = {0};
        for (i = 0; i < n; i++) {
          double dot = 0;
          for (d = 0; d < dim; d++) dot += (double)x[i * dim + d] * v[d];
          for (d = 0; d < dim; d++) w[d] += (double)x[i * dim + d] * dot;
        }
        for (d = 0, top = 0; d < dim; d++) top += w[d] * w[d];
        top = sqrt(top);
        for (d = 0; d < dim; d++) v[d] = w[d] / top;
      }
      CHECK(a.spectral >= sqrt(top) * (1 - 1e-12) && a.spectral <= sqrt(top) * (1 + 1e-5));
      if (!(a.radius > 1e-3)) continue;
      promised++;
      for (step = 0; step < 20; step++) { /* queries on the sphere, a hair inside */
        double size = 0;
        int exact = 1;
        for (d = 0; d < dim; d++) {
          v[d] = hfy_rng_normal(&rng);
          size += v[d] * v[d];
        }
        for (d = 0; d < dim; d++)
          q[d] = (hfy_real)(center[d] + (1 - 1e-5) * (a.radius < 1e6 ? a.radius : 1e6) * v[d] / sqrt(size));
        CHECK(!hfy_retrieve(&net, q, 1, out, NULL, NULL));
        for (d = 0; d < dim; d++) exact &= fabs((double)out[d] - (double)(hfy_real)center[d]) <= 1e-5;
        CHECK(exact);
      }
    }
  CHECK(promised > 30);
}

TEST(association_statuses) {
  hfy_net net = a_net(HFY_SEP_SEQUENCE_KSUBSETS, NULL), bad;
  hfy_theory_association a;
  hfy_structure s = hfy_structure_at_most(N, 3);
  hfy_work work = {0};
  size_t y[4] = {3, 4, 5, 5};
  hfy_real bias[N] = {0};
  a.radius = 77;
#define NOT(change, status_, part_) \
  (bad = net, change, CHECK_FAILS(hfy_theory_associates(&bad, y, 3, &a, &work), status_, &work, part_))
  CHECK(!hfy_theory_associates(&net, y, 3, &a, &work));
  a.radius = 77;
  NOT(bad.sep.kind = HFY_SEP_SOFTMAX, HFY_ERR_UNSUPPORTED, "no structure");
  NOT((bad.sep.kind = HFY_SEP_KSUBSETS, bad.sep.k = 2.5), HFY_ERR_UNSUPPORTED, "net->sep.k is not whole");
  NOT(bad.sep.plus = &net.sep, HFY_ERR_UNSUPPORTED, "net->sep.plus");
  NOT(bad.sim = HFY_SIM_COSINE, HFY_ERR_UNSUPPORTED, "net->sim");
  NOT(bad.values = keys + 1, HFY_ERR_UNSUPPORTED, "net->values");
  NOT(bad.post.kind = HFY_POST_L2, HFY_ERR_UNSUPPORTED, "net->post");
  NOT(bad.self_coupling = bias, HFY_ERR_UNSUPPORTED, "net->self_coupling");
  NOT((bad.bias = bias, bad.bias_stride = N), HFY_ERR_UNSUPPORTED, "net->bias");
  NOT(bad.sep.k = 2, HFY_ERR_ARG, "no vertex");
  bad = net; /* at most 3, and there are 3: nothing above */
  bad.sep.kind = HFY_SEP_SPARSEMAP;
  bad.sep.structure = &s;
  CHECK(!hfy_theory_associates(&bad, y, 3, &a, &work));
  bad.count = 1, s = hfy_structure_at_most(1, 1), y[0] = 0; /* the other one has no bits at all */
  CHECK(!hfy_theory_associates(&bad, y, 1, &a, &work));
  CHECK_NEAR(a.separation, D, 1e-6);
  s = hfy_structure_at_most(N, 3), y[0] = 3, bad = net;
  a.radius = 77;
  NOT(bad.count = 5, HFY_ERR_ARG, "entry 2 is 5");
  NOT(bad.keys = NULL, HFY_ERR_ARG, "net->keys");
  s = hfy_structure_at_most(N, 4); /* has vertices above these three */
  NOT((bad.sep.kind = HFY_SEP_SPARSEMAP, bad.sep.structure = &s), HFY_ERR_UNSUPPORTED, "and more");
  y[0] = 5;
  NOT((void)0, HFY_ERR_ARG, "5 is listed twice");
  y[0] = 3;
  bias[4] = (hfy_real)-HUGE_VAL;
  NOT(bad.bias = bias, HFY_ERR_ARG, "masked");
  CHECK_FAILS(hfy_theory_associates(&net, NULL, 3, &a, &work), HFY_ERR_ARG, &work, "patterns is NULL");
  CHECK_FAILS(hfy_theory_associates(&net, y, 3, NULL, &work), HFY_ERR_ARG, &work, "association is NULL");
  CHECK_FAILS(hfy_theory_associates(&net, y, 0, &a, &work), HFY_ERR_ARG, &work, "count is 0");
  keys[7] = (hfy_real)NAN;
  CHECK_FAILS(hfy_theory_associates(&net, y, 3, &a, &work), HFY_ERR_NONFINITE, &work, "pattern 0");
  CHECK(a.radius >= 77 && a.radius <= 77);
  hfy_work_free(&work);
}
#endif

/* A vertex without any bits: no weight at all, and the best is 0 whatever the scratch held before. */
TEST(an_empty_answer_in_a_net) {
  static unsigned char room[1 << 22];
  const hfy_real three[6] = {1, 0, 0, 1, 1, 1}, q[4] = {-1, -1, -2, -3};
  hfy_structure structure = hfy_structure_at_most(3, 2);
  hfy_net net;
  hfy_report report;
  hfy_work work;
  hfy_real out[4];
  size_t best[2] = {9, 9}, support[2] = {9, 9};
  memset(&net, 0, sizeof net), memset(&report, 0, sizeof report), memset(&work, 0, sizeof work);
  memset(room, 0x5A, sizeof room);
  net.dim = 2;
  net.count = 3;
  net.keys = three;
  net.beta = 1;
  net.sep.kind = HFY_SEP_SPARSEMAP;
  net.sep.structure = &structure;
  report.best = best;
  report.support = support;
  work.buffer = room;
  work.capacity = sizeof room;
  CHECK(hfy_retrieve(&net, q, 2, out, &report, &work) == HFY_OK);
  CHECK(best[0] == 0 && best[1] == 0 && support[0] == 0 && support[1] == 0);
  CHECK(!(out[0] > 0) && !(out[0] < 0) && !(out[3] > 0) && !(out[3] < 0));
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(reference_rows);
  RUN(every_optimum_is_certified);
  RUN(derivatives);
  RUN(derivatives_at_ties);
  RUN(derivatives_of_large_mixtures);
  RUN(derivatives_after_many_steps);
  RUN(losses_and_margins);
  RUN(zero_at_the_solution);
  RUN(integral_answers_are_exact);
  RUN(shared_bits_are_exact);
  RUN(values_outside);
  RUN(transitions_without_limit);
  RUN(large_and_tied);
  RUN(mid_sized);
  RUN(statuses);
  RUN(separations_are_solves);
  RUN(relatives);
  RUN(separation_statuses);
  RUN(sums_of_structured_kinds);
  RUN(exact_rows);
  RUN(scores_of_any_size);
  RUN(far_scores);
  RUN(closed_form);
  RUN(sequences_of_any_size);
  RUN(limits_of_a_sequence);
  RUN(associations_come_back);
  RUN(gradients_of_retrieval);
  RUN(energy_constants);
#ifndef HFY_CORE_ONLY
  RUN(promised_associations);
  RUN(association_statuses);
#endif
  RUN(an_empty_answer_in_a_net);
  return CHECK_END();
}
