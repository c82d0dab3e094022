/* test_net_energy.c: energies, and gradients through one and three updates, against the long double net of oracle.h. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "nets.h"

/* --- energy --- */

TEST(energy_by_its_formula) {
  enum { N = 6, D = 4, B = 3 };
  fixture f;
  int s, p;
  for (s = 0; s < SEPS; s++)
    for (p = 0; p < 9; p++) {
      double energy[B], star, psi, want;
      hfy_real theta[N], q[B * D];
      size_t i, j, d;
      const char *sep, *post;
      make(&f, (uint64_t)(8900 + 20 * s + p), N, D, B);
      sep = use_sep(&f, s);
      post = use_post(&f, p);
      f.net.beta = 0.7;
      f.net.bias = f.bias;
      f.net.bias_stride = N;
      if (p == 0) f.net.self_coupling = f.self_coupling;
      CHECK(hfy_post_apply(&f.net.post, f.queries, NULL, B, D, q, NULL) == HFY_OK); /* into dom Psi */
      CHECK(hfy_energy(&f.net, q, B, energy, NULL) == HFY_OK);
      for (j = 0; j < B; j++) {
        for (i = 0; i < N; i++) {
          double dot = 0;
          for (d = 0; d < D; d++) dot += (double)f.keys[i * D + d] * (double)q[j * D + d];
          theta[i] = (hfy_real)(0.7 * dot + (double)f.bias[j * N + i]);
        }
        CHECK(hfy_sep_conjugate(&f.net.sep, theta, 1, N, &star, NULL) == HFY_OK);
        CHECK(hfy_post_value(&f.net.post, q + j * D, 1, D, &psi, NULL) == HFY_OK);
        want = -star / 0.7 + psi;
        for (d = 0; p == 0 && d < D; d++)
          want += 0.5 * (double)f.self_coupling[d] * (double)q[j * D + d] * (double)q[j * D + d];
        CHECK_NEAR(energy[j], want, 32 * REAL_EPS);
      }
      show(sep, post, 0);
    }
}

static void never_rises(int p) {
  enum { N = 8, D = 5, B = 4, T = 8 };
  fixture f;
  int s, seed;
  for (s = 0; s < SEPS; s++)
    for (seed = 0; seed < 25; seed++) {
      double energy[B * (T + 1)];
      hfy_report report;
      const char *sep, *post;
      size_t j, t;
      if ((sep_is_unbounded(s) && !post_is_bounded(p)) || s == 20) continue; /* EVEN is not convex */
      memset(&report, 0, sizeof report);
      report.energy = energy;
      make(&f, (uint64_t)(10000 + 40 * s + seed), N, D, B);
      sep = use_sep(&f, s);
      post = use_post(&f, p);
      f.net.beta = seed % 4 == 0 ? 0.2 : seed % 4 == 1 ? 1 : seed % 4 == 2 ? 3 : 10;
      if (sep_is_unbounded(s) && f.net.beta > 1) f.net.beta = 1;
      if (seed % 5 == 4) {
        f.net.bias = f.bias;
        f.net.bias_stride = N;
      }
      f.net.max_steps = T;
      CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &report, NULL) == HFY_OK);
      for (j = 0; j < B; j++) {
        const double *e = energy + j * (T + 1);
        for (t = 0; t < T; t++) {
          double size = 1 + fabs(e[t + 1]);
          CHECK(e[t + 1] < 1e300); /* inside dom Psi from the first step on */
          if (!(e[t + 1] <= e[t] + (sizeof(hfy_real) == 8 ? 1e-12 : 16 * REAL_EPS) * size))
            CHECK_NEAR(e[t + 1] - e[t], 0, 0);
        }
      }
      show(sep, post, seed);
    }
}

TEST(energy_never_rises_none) { never_rises(0); }
TEST(energy_never_rises_tanh) { never_rises(1); }
TEST(energy_never_rises_sign) { never_rises(2); }
TEST(energy_never_rises_l2) { never_rises(3); }
TEST(energy_never_rises_l2_eps) { never_rises(4); }
TEST(energy_never_rises_layernorm) { never_rises(5); }
TEST(energy_never_rises_layernorm_eps) { never_rises(6); }
TEST(energy_never_rises_linear) { never_rises(7); }
TEST(energy_never_rises_rectified) { never_rises(8); }

/* the separations of gradients_of: those of use_sep, and bounds on both sides, and parameters at the head of a chain */
enum { LEARNED = 23 };
static const char *use_learned_sep(fixture *f, int which) {
  static const int of[] = {12, 6, 8, 2, 19, 20}; /* from 17 on */
  const char *name = use_sep(f, which < 17 ? which : of[which - 17]);
  if (which == 2 || which == 17 || which == 20) {
    f->net.sep.upper = f->upper;
    f->net.sep.lower = f->lower;
  }
  if (which < 17 || which > 20) return name;
  if (which >= 18) f->net.sep.plus = &f->more;
  return which == 17   ? "1.5-subsets with bounds"
         : which == 18 ? "entmax 1.5 + sparsemax"
         : which == 19 ? "normmax 1.5 + sparsemax"
                       : "sparsemax with bounds + sparsemax";
}

/* Eq. 6: energy + constant = -L_Omega(beta X q, u)/beta + L_Psi(X^T u, q) */
TEST(energy_is_a_difference_of_losses) {
  enum { N = 6, D = 4 };
  fixture f;
  int s, p;
  for (s = 0; s < LEARNED; s++)
    for (p = 0; p < 8; p++) {
      double energy, constant, loss = 0, psi, star, linear = 0, beta = 0.9;
      hfy_real q[D], theta[N], zero[N], u[N], z[D];
      size_t i, d;
      const char *sep, *post;
      if ((s >= 14 && s < 17) || s > 20) continue; /* unbounded: s = 13 and from 17 on are sums and bounds */
      make(&f, (uint64_t)(12000 + 20 * s + p), N, D, 1);
      sep = use_learned_sep(&f, s); /* sums of energies too */
      post = use_post(&f, p);
      f.net.beta = beta;
      CHECK(hfy_post_apply(&f.net.post, f.queries, NULL, 1, D, q, NULL) == HFY_OK);
      fill(zero, N, 0);
      CHECK(hfy_sep_apply(&f.net.sep, zero, 1, N, u, NULL) == HFY_OK);
      for (i = 0; i < N; i++) {
        double dot = 0;
        for (d = 0; d < D; d++) dot += (double)f.keys[i * D + d] * (double)q[d];
        theta[i] = (hfy_real)(beta * dot);
      }
      for (d = 0; d < D; d++) {
        double sum = 0;
        for (i = 0; i < N; i++) sum += (double)u[i] * (double)f.keys[i * D + d];
        z[d] = (hfy_real)sum;
        linear += sum * (double)q[d];
      }
      CHECK(hfy_energy(&f.net, q, 1, &energy, NULL) == HFY_OK);
      CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_FY, &constant, NULL) == HFY_OK);
      CHECK(hfy_sep_loss(&f.net.sep, theta, u, 1, N, &loss, NULL) == HFY_OK);
      CHECK(hfy_post_value(&f.net.post, q, 1, D, &psi, NULL) == HFY_OK);
      CHECK(hfy_post_conjugate(&f.net.post, z, 1, D, &star, NULL) == HFY_OK);
      CHECK_NEAR(energy + constant, -loss / beta + psi + star - linear, sizeof(hfy_real) == 8 ? 1e-11 : 64 * REAL_EPS);
      show(sep, post, 0);
    }
}

/* Prop. 7: 1/2 |x_k - q|^2 <= E(q) everywhere; E <= min{2M^2, -Omega(1/N)/beta + M^2/2} in the hull of the patterns */
TEST(energy_within_its_bounds) {
  enum { N = 7, D = 4 };
  static const int negentropies[] = {0, 1, 4, 5, 6, 7, 8, 9, 10, 18};
  fixture f;
  hfy_rng rng = hfy_rng_seed(3);
  size_t c, i, d;
  int trial;
  for (c = 0; c < COUNT(negentropies); c++)
    for (trial = 0; trial < 40; trial++) {
      double energy, constant, below = 0, M2 = 0, omega, top = -1e300, slack = sizeof(hfy_real) == 8 ? 1e-12 : 1e-5;
      hfy_sep soft;
      hfy_real q[D], t[N], p[N], u[N];
      size_t k = 0;
      const char *sep;
      make(&f, 12500 + (uint64_t)trial, N, D, 1);
      sep = use_sep(&f, negentropies[c]);
      f.net.beta = trial % 2 ? 0.8 : 4;
      memset(&soft, 0, sizeof soft);
      normals(&rng, t, N, 1);
      CHECK(hfy_sep_apply(&soft, t, 1, N, p, NULL) == HFY_OK);
      for (d = 0; d < D; d++) {
        double sum = 0;
        for (i = 0; i < N; i++) sum += (double)p[i] * (double)f.keys[i * D + d];
        q[d] = trial < 20 ? (hfy_real)sum : f.queries[d];
      }
      fill(u, N, 1.0 / N);
      for (i = 0; i < N; i++) {
        double dot = 0, square = 0;
        for (d = 0; d < D; d++) {
          dot += (double)f.keys[i * D + d] * (double)q[d];
          square += (double)f.keys[i * D + d] * (double)f.keys[i * D + d];
        }
        if (dot > top) {
          top = dot;
          k = i;
        }
        if (square > M2) M2 = square;
      }
      for (d = 0; d < D; d++) {
        double gap = (double)f.keys[k * D + d] - (double)q[d];
        below += 0.5 * gap * gap;
      }
      CHECK(hfy_energy(&f.net, q, 1, &energy, NULL) == HFY_OK);
      CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, NULL) == HFY_OK);
      CHECK(hfy_sep_value(&f.net.sep, u, 1, N, &omega, NULL) == HFY_OK);
      CHECK_NEAR(constant, -omega / f.net.beta + M2 / 2, 4 * REAL_EPS);
      CHECK(energy + constant >= below - slack);
      if (trial < 20) CHECK(energy + constant <= -omega / f.net.beta + M2 / 2 + slack);
      if (trial < 20) CHECK(energy + constant <= 2 * M2 + slack);
      show(sep, "none", trial);
    }
}

TEST(energy_outside_its_domain_is_infinite) {
  fixture f;
  double energy[2];
  int p;
  for (p = 1; p <= 6; p++) {
    make(&f, 12600, 5, 4, 2);
    use_post(&f, p);
    fill(f.queries, 4, 30);
    fill(f.queries + 4, 4, 0);
    CHECK(hfy_energy(&f.net, f.queries, 2, energy, NULL) == HFY_OK);
    CHECK_EQ(energy[0], HUGE_VAL);
    if (p != 5) CHECK(energy[1] < 1e300);
  }
}

/* into the interior of dom Psi */
static void inwards(fixture *f, int p, size_t D) {
  size_t j, d;
  for (j = 0; j < f->B; j++) {
    hfy_real *x = f->queries + j * D, mean = 0;
    const double shrink = p == 4 || p == 6 ? 0.3 : 0.5;
    for (d = 0; d < D; d++) {
      if (p == 8) x[d] = (hfy_real)(0.1 + fabs((double)x[d]));
      if (p >= 1 && p <= 6) x[d] = (hfy_real)(shrink * tanh((double)x[d]));
      mean += x[d] / (hfy_real)D;
    }
    for (d = 0; d < D && (p == 5 || p == 6); d++) x[d] -= mean;
    for (d = 0; d < D && p == 5; d++) x[d] += f->delta[d];
  }
}

/* HFY eq. 35: hfy_energy_gradient along random directions is the slope of E, in the interior of dom Psi */
TEST(energy_gradient_by_differences) {
  enum { N = 6, D = 4, B = 3 };
  static oracle_memory m;
  fixture f;
  int s, p, options, compared = 0;
  for (s = 0; s < LEARNED; s++)
    for (p = 0; p < 9; p++)
      for (options = 0; options < 4; options++) {
        static const unsigned more[] = {0, 4 + 8, 4 + 16 + 32 + 256, 8 + 512};
        const char *sep, *post;
        hfy_rng rng = hfy_rng_seed((uint64_t)(29000 + 100 * s + 10 * p + options));
        hfy_real dq[B * D], alone[D];
        wide v[D], q[D], at[5];
        unsigned long here[5];
        size_t j, d;
        make(&f, (uint64_t)(28000 + 100 * s + 10 * p + options), N, D, B);
        sep = use_learned_sep(&f, s);
        post = use_post(&f, p);
        with_options(&f, more[options]);
        if (options == 2 && (s == 2 || s == 11 || s == 12 || s == 17 || s == 20)) f.net.visible = NULL;
        if (options == 2 && s == 13) f.net.beta = 0.05;
        f.visible[0] = 5;
        f.visible[1] = 2;
        f.visible[2] = 6;
        inwards(&f, p, D);
        oracle_load(&m, &f.net, f.queries, B);
        CHECK(hfy_energy_gradient(&f.net, f.queries, B, dq, NULL) == HFY_OK);
        for (j = 0; j < B; j++) {
          wide slope, mean = 0, along = 0, size = 1;
          int k, kink = 0, before = check_errors;
          for (d = 0; d < D; d++) mean += (v[d] = hfy_rng_normal(&rng)) / D;
          for (d = 0; d < D && (p == 5 || p == 6); d++) v[d] -= mean; /* within the plane */
          for (k = 0; k < 5; k++) {
            for (d = 0; d < D; d++) q[d] = f.queries[j * D + d] + (k - 2) * 1e-5L * v[d];
            at[k] = oracle_energy(&m, q, j, here + k);
            kink |= here[k] != here[0];
          }
          for (d = 0; d < D; d++) {
            along += dq[j * D + d] * v[d];
            size += fabsl(dq[j * D + d] * v[d]);
          }
          slope = (8 * (at[3] - at[1]) - (at[4] - at[0])) / 12e-5L;
          if (kink) continue;
          compared++;
          CHECK_NEAR((double)(along / size), (double)(slope / size), sizeof(hfy_real) == 8 ? 1e-10 : 2e-6);
          if (check_errors != before) show(sep, post, options);
        }
        if (options) continue; /* a query's bits do not depend on its company; dq may be q */
        CHECK(hfy_energy_gradient(&f.net, f.queries + D, 1, alone, NULL) == HFY_OK);
        CHECK(same_bits(alone, dq + D, sizeof alone));
        CHECK(hfy_energy_gradient(&f.net, f.queries, B, f.queries, NULL) == HFY_OK);
        CHECK(same_bits(f.queries, dq, sizeof dq));
      }
  CHECK(compared > LEARNED * 9 * 4 * B * 4 / 5);
}

/* where a net stands still, its energy has no slope: E's critical points are the fixed points */
TEST(energy_gradient_is_0_where_a_net_stands_still) {
  fixture f;
  hfy_real dq[4];
  int s, p;
  for (s = 0; s < 11; s++)
    for (p = 0; p < 9; p++) {
      size_t d;
      const char *sep, *post;
      if (p == 2 || p == 3 || p == 5) continue; /* always on the sphere, in a corner: kinks of Psi */
      make(&f, (uint64_t)(27000 + 10 * s + p), 6, 4, 1);
      sep = use_sep(&f, s);
      post = use_post(&f, p);
      f.net.max_steps = 20000;
      f.net.beta = 0.4;
      CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, NULL, NULL) == HFY_OK);
      CHECK(hfy_energy_gradient(&f.net, f.out, 1, dq, NULL) == HFY_OK);
      for (d = 0; d < 4; d++) {
        double tol = sizeof(hfy_real) == 8 ? 1e-11 : 2e-5;
        if (p == 6) /* but for the normal of the plane */
          CHECK_NEAR((double)dq[d], (double)(dq[0] + dq[1] + dq[2] + dq[3]) / 4, tol);
        else if (p != 8 || f.out[d] > 0)
          CHECK_NEAR((double)dq[d], 0, tol);
      }
      show(sep, post, 0);
    }
}

/* closed forms, at the edges of dom Psi too */
TEST(energy_gradient_of_one_pattern) {
  static const hfy_real key[2] = {(hfy_real)0.5, -2}, spd[4] = {2, 1, 1, 2};
  static const struct {
    hfy_post_kind kind;
    double eps, theta, q[2], slope[2]; /* grad Psi */
  } rows[] = {
    {HFY_POST_NONE, 0, 0, {3, 4}, {3, 4}},
    {HFY_POST_SIGN, 0, 0, {1, -0.25}, {0, 0}},
    {HFY_POST_L2, 0, 0, {0.6, 0.8}, {0, 0}},
    {HFY_POST_L2, 0.25, 0, {0, 0.6}, {0, 0.375}},                                    /* .5 .6 / sqrt(1 - .36) */
    {HFY_POST_TANH, 0, 0, {0.5, -0.5}, {0.54930614433405485, -0.54930614433405485}}, /* ln 3 / 2 */
    {HFY_POST_LAYERNORM, 2, 0, {0.5, -0.5}, {0.81649658092772603, -0.81649658092772603}}, /* sqrt(4/1.5) q */
    {HFY_POST_LINEAR, 0, 0, {3, 3}, {1, 1}},
    {HFY_POST_RECTIFIED_POWER, 0, -0.75, {4, 0}, {1.25, -0.75}},
};
  fixture f;
  hfy_real q[2], dq[2];
  size_t i, d;
  for (i = 0; i < COUNT(rows); i++) {
    memset(&f, 0, sizeof f);
    f.net.dim = 2;
    f.net.count = 1;
    f.net.keys = key;
    f.net.post.kind = rows[i].kind;
    f.net.post.eps = rows[i].eps;
    f.net.post.theta = rows[i].theta;
    f.net.post.power = 2;
    f.net.post.matrix = spd;
    for (d = 0; d < 2; d++) q[d] = (hfy_real)rows[i].q[d];
    CHECK(hfy_energy_gradient(&f.net, q, 1, dq, NULL) == HFY_OK);
    for (d = 0; d < 2; d++) CHECK_NEAR(dq[d], rows[i].slope[d] - (double)key[d], 4 * REAL_EPS);
  }
  if (sizeof(hfy_real) < sizeof(double)) return;
  f.net.post.kind = HFY_POST_L2; /* squares leave the range */
  f.net.post.radius = 1e200;
  f.net.post.eps = 1;
  q[0] = (hfy_real)6e199; /* .6 / sqrt(1 - .36) */
  q[1] = 0;
  CHECK(hfy_energy_gradient(&f.net, q, 1, dq, NULL) == HFY_OK);
  CHECK_NEAR(dq[0], 0.75 - (double)key[0], 1e-14);
  CHECK_NEAR(dq[1], -(double)key[1], 1e-14);
}

TEST(energy_gradient_refusals) {
  fixture f;
  hfy_real dq[12];
  hfy_work work;
  size_t i;
  int p;
  memset(&work, 0, sizeof work);
  for (p = 1; p <= 8; p++) { /* query 1 outside dom Psi, or where Psi is infinitely steep: the others are answered */
    int beyond;
    for (beyond = 0; beyond < 2; beyond++) {
      if (p == 7 || (!beyond && p != 1 && p != 4)) continue;
      make(&f, 12810, 5, 4, 3);
      use_post(&f, p);
      for (i = 0; i < 12; i++) {
        dq[i] = 7;
        f.queries[i] = i % 4 < 2 ? (hfy_real)0.1 : (hfy_real)-0.1;
      }
      for (i = 0; i < 12 && p == 5; i++) f.queries[i] += f.delta[i % 4];
      for (i = 0; i < 12 && p == 8; i++) f.queries[i] = (hfy_real)0.5;
      f.queries[5] = beyond ? (hfy_real)(p == 8 ? -30 : 30) : 1;
      if (!beyond && p == 4) f.queries[4] = f.queries[6] = f.queries[7] = 0; /* on the sphere, with eps */
      CHECK_FAILS(hfy_energy_gradient(&f.net, f.queries, 3, dq, &work), HFY_ERR_ARG, &work, "query 1 lies");
      CHECK(all_are(dq + 4, 4, 7));
      for (i = 0; i < 4; i++) CHECK(dq[i] < 7 && dq[8 + i] < 7);
      show("softmax", "", p);
    }
  }
  make(&f, 12820, 5, 4, 3);
  for (i = 0; i < 12; i++) dq[i] = 7;
  f.queries[5] = not_a_number();
  CHECK_FAILS(hfy_energy_gradient(&f.net, f.queries, 3, dq, &work), HFY_ERR_NONFINITE, &work, "query 1");
  CHECK(dq[0] < 7 && dq[8] < 7 && all_are(dq + 4, 4, 7));
  CHECK_FAILS(hfy_energy_gradient(&f.net, NULL, 3, dq, &work), HFY_ERR_ARG, &work, "q is NULL");
  CHECK_FAILS(hfy_energy_gradient(&f.net, f.queries, 3, NULL, &work), HFY_ERR_ARG, &work, "dq is NULL");
  CHECK_FAILS(hfy_energy_gradient(NULL, f.queries, 3, dq, &work), HFY_ERR_ARG, &work, "net is NULL");
  CHECK(hfy_energy_gradient(&f.net, NULL, 0, NULL, &work) == HFY_OK);
  for (p = 0; p < 7; p++) {
    make(&f, 12830, 5, 4, 1);
    if (p < 3) f.net.sim = (hfy_sim)(p + 1);
    if (p == 3) f.net.values = f.values;
    if (p >= 4) use_post(&f, p + 5);
    for (i = 0; i < 4; i++) dq[i] = 7;
    CHECK_FAILS(hfy_energy_gradient(&f.net, f.queries, 1, dq, &work), HFY_ERR_UNSUPPORTED, &work,
                p < 3    ? "sim"
                : p == 3 ? "values"
                : p == 4 ? "gain"
                : p == 5 ? "matrix"
                         : "sigma");
    CHECK(all_are(dq, 4, 7));
  }
  make(&f, 12840, 5, 4, 2); /* e^scores beyond hfy_real: its own row alone fails */
  use_sep(&f, 16);
  fill(f.queries, 4, 0);
  fill(dq, 8, 7);
  for (i = 0; i < 4; i++) f.queries[4 + i] = (hfy_real)1e4 * f.keys[i];
  CHECK_FAILS(hfy_energy_gradient(&f.net, f.queries, 2, dq, &work), HFY_ERR_NONFINITE, &work, "query 1");
  CHECK(!all_are(dq, 4, 7) && all_are(dq + 4, 4, 7));
  f.bias[0] = f.bias[1] = f.bias[2] = f.bias[3] = f.bias[4] = (hfy_real)-HUGE_VAL; /* everything masked */
  f.net.bias = f.bias;
  CHECK_FAILS(hfy_energy_gradient(&f.net, f.queries, 1, dq, &work), HFY_ERR_ARG, &work, "not masked");
  hfy_work_free(&work);
}

TEST(energy_where_none_exists) {
  fixture f;
  double energy, constant;
  hfy_work work;
  hfy_report report;
  int c;
  memset(&work, 0, sizeof work);
  memset(&report, 0, sizeof report);
  report.energy = &energy;
  for (c = 0; c < 7; c++) {
    make(&f, 12700, 5, 4, 1);
    if (c < 3) f.net.sim = (hfy_sim)(c + 1);
    if (c == 3) f.net.values = f.values;
    if (c >= 4) use_post(&f, c + 5);
    energy = constant = 7;
    fill(f.out, 4, 7);
    CHECK(hfy_energy(&f.net, f.queries, 1, &energy, &work) == HFY_ERR_UNSUPPORTED);
    CHECK_CONTAINS(work.message, c < 3 ? "sim" : c == 3 ? "values" : c == 4 ? "gain" : c == 5 ? "matrix" : "sigma");
    CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, &work) == HFY_ERR_UNSUPPORTED);
    CHECK(work.message[0] != 0);
    CHECK(all_are(f.out, 4, 7)); /* found before anything is written */
    CHECK_EQ(energy, 7);
    CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, &work) == HFY_ERR_UNSUPPORTED);
    CHECK_EQ(constant, 7);
  }
  make(&f, 12700, 5, 4, 1);
  f.net.values = f.keys; /* values that are the keys are no values */
  CHECK(hfy_energy(&f.net, f.queries, 1, &energy, &work) == HFY_OK);
  hfy_work_free(&work);
}

TEST(energy_of_bad_queries) {
  fixture f;
  double energy[3] = {7, 7, 7};
  hfy_work work;
  memset(&work, 0, sizeof work);
  make(&f, 12800, 5, 4, 3);
  f.queries[5] = not_a_number();
  CHECK_FAILS(hfy_energy(&f.net, f.queries, 3, energy, &work), HFY_ERR_NONFINITE, &work, "query 1");
  CHECK(energy[0] < 7 && energy[2] < 7);
  CHECK_EQ(energy[1], 7);
  CHECK_FAILS(hfy_energy(&f.net, NULL, 3, energy, &work), HFY_ERR_ARG, &work, "q");
  CHECK_FAILS(hfy_energy(&f.net, f.queries, 3, NULL, &work), HFY_ERR_ARG, &work, "energy");
  CHECK_FAILS(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, NULL, &work), HFY_ERR_ARG, &work, "constant");
  CHECK_FAILS(hfy_energy(NULL, f.queries, 3, energy, &work), HFY_ERR_ARG, &work, "net");
  {
    hfy_energy_form form = HFY_ENERGY_RAW;
    unsigned wrong = 17;
    memcpy(&form, &wrong, sizeof wrong);
    CHECK_FAILS(hfy_energy_constant(&f.net, form, energy, &work), HFY_ERR_ARG, &work, "form");
  }
  fill(f.queries, 12, 1);
  fill(f.self_coupling, 4, -HUGE_VAL);
  f.net.self_coupling = f.self_coupling;
  energy[0] = 7;
  CHECK_FAILS(hfy_energy(&f.net, f.queries, 1, energy, &work), HFY_ERR_NONFINITE, &work, "query 0");
  CHECK_EQ(energy[0], 7);
  hfy_work_free(&work);
}

/* --- gradients --- */

static void ask(const hfy_net *net, gradients *g, hfy_grad *grad) {
  memset(g, 0, sizeof *g);
  memset(grad, 0, sizeof *grad);
  grad->queries = g->queries;
  grad->keys = g->keys;
  grad->beta = &g->beta;
  if (net->values) grad->values = g->values;
  if (net->readout) grad->readout = g->readout;
  if (net->bias) grad->bias = g->bias;
  if (net->null_pattern) grad->null_score = &g->null_score;
  if (net->self_coupling) grad->self_coupling = g->self_coupling;
  if (net->sep.kind == HFY_SEP_ENTMAX) grad->alpha = &g->alpha;
  if (net->sep.kind == HFY_SEP_NORMMAX && net->sep.gamma < 1e9) grad->gamma = &g->gamma;
  if (net->sep.upper) grad->upper = g->upper;
  if (net->sep.lower) grad->lower = g->lower;
  switch (net->post.kind) {
  case HFY_POST_TANH: grad->post.beta = g->numbers; break;
  case HFY_POST_L2: grad->post.radius = g->numbers + 1, grad->post.eps = g->numbers + 3; break;
  case HFY_POST_LAYERNORM:
    grad->post.gain = g->gain;
    grad->post.delta = g->delta;
    grad->post.eps = g->numbers + 3;
    if (!net->post.gain) grad->post.eta = g->numbers + 2;
    break;
  case HFY_POST_LINEAR: grad->post.matrix = g->matrix; break;
  case HFY_POST_RECTIFIED_POWER:
    grad->post.power = g->numbers + 4;
    grad->post.sigma = g->numbers + 5;
    grad->post.theta = g->numbers + 6;
    break;
  case HFY_POST_NONE:
  case HFY_POST_SIGN: break;
  }
}

/* dout . answers of all queries, each with its own number of steps; steps NULL: dout . their energies */
static wide objective(const oracle_memory *m, const size_t *steps, const hfy_real *dout, size_t width) {
  static wide states[8 * MAX_D], p[MAX_N], out[MAX_D];
  unsigned long all = 0, one = 0;
  wide sum = 0;
  size_t i, j;
  for (j = 0; !steps && j < m->n_queries; j++) {
    sum += dout[j] * oracle_energy(m, m->queries + j * m->net.dim, j, &one);
    all = all * 31 + one;
  }
  if (!steps) oracle_signature = all;
  if (!steps) return sum;
  for (j = 0; j < m->n_queries; j++) {
    oracle_retrieve(m, j, steps[j], states, p, out);
    for (i = 0; i < width; i++) sum += out[i] * dout[j * width + i];
  }
  return sum;
}

/* One array of a memory moves along a random direction: the slope of the objective against gradient . direction.
   `along` gets the product, `size` the sum of its magnitudes. Returns 0 at a kink. */
enum {
  IN_QUERIES,
  IN_KEYS,
  IN_VALUES,
  IN_READOUT,
  IN_BIAS,
  IN_SELF,
  IN_GAIN,
  IN_DELTA,
  IN_MATRIX,
  IN_UPPER,
  IN_LOWER,
  IN_NULL,
  IN_BETA,
  IN_ALPHA,
  IN_GAMMA,
  IN_POST, /* and the six after it */
  PARTS = IN_POST + 7
};
static const char *const part_names[] = {
  "queries",   "keys",        "values",   "readout",  "bias",       "self_coupling", "gain",
  "delta",     "matrix",      "upper",    "lower", "null_score", "beta",       "alpha",         "gamma",
  "post.beta", "post.radius", "post.eta", "post.eps", "post.power", "post.sigma",    "post.theta"};

/* Is this part of the gradient asked for? */
static int asked(const hfy_grad *g, int part) {
  const void *members[PARTS];
  const hfy_post_grad *p = &g->post;
  members[IN_QUERIES] = g->queries;
  members[IN_KEYS] = g->keys;
  members[IN_VALUES] = g->values;
  members[IN_READOUT] = g->readout;
  members[IN_BIAS] = g->bias;
  members[IN_SELF] = g->self_coupling;
  members[IN_GAIN] = p->gain;
  members[IN_DELTA] = p->delta;
  members[IN_MATRIX] = p->matrix;
  members[IN_UPPER] = g->upper;
  members[IN_LOWER] = g->lower;
  members[IN_NULL] = g->null_score;
  members[IN_BETA] = g->beta;
  members[IN_ALPHA] = g->alpha;
  members[IN_GAMMA] = g->gamma;
  members[IN_POST] = p->beta;
  members[IN_POST + 1] = p->radius;
  members[IN_POST + 2] = p->eta;
  members[IN_POST + 3] = p->eps;
  members[IN_POST + 4] = p->power;
  members[IN_POST + 5] = p->sigma;
  members[IN_POST + 6] = p->theta;
  return members[part] != NULL;
}

static int directional(const oracle_memory *m, int part, const gradients *g, hfy_rng *rng, const size_t *steps,
                       const hfy_real *dout, size_t width, double *along, double *size, wide *slope) {
  static const wide weight[] = {8 / 12.0L, -1 / 12.0L};
  static oracle_memory moved;
  static double direction[MAX_N * MAX_D];
  static double bounds[2][MAX_B * MAX_N];
  const hfy_net *net = &m->net;
  size_t D = net->dim, N = net->count, n = 0, i, bound_rows = net->sep.bound_stride ? m->n_queries : 1;
  const hfy_real *mine = NULL;
  const double *number = NULL, *from = part == IN_UPPER ? net->sep.upper : net->sep.lower;
  double *of_post = NULL;
  wide h = 1e-6L, sum = 0;
  unsigned long here = 0;
  int k, side;
  switch (part) {
  case IN_QUERIES: n = m->n_queries * D, mine = g->queries; break;
  case IN_KEYS: n = N * D, mine = g->keys; break;
  case IN_VALUES: n = N * D, mine = g->values; break;
  case IN_READOUT: n = N * net->readout_dim, mine = g->readout; break;
  case IN_BIAS: n = (net->bias_stride ? m->n_queries : 1) * N, mine = g->bias; break;
  case IN_SELF: n = D, mine = g->self_coupling; break;
  case IN_GAIN: n = D, mine = g->gain; break;
  case IN_DELTA: n = D, mine = g->delta; break;
  case IN_MATRIX: n = D * D, mine = g->matrix; break;
  case IN_UPPER: n = bound_rows * N, number = g->upper; break;
  case IN_LOWER: n = bound_rows * N, number = g->lower; break;
  case IN_NULL: n = 1, number = &g->null_score; break;
  case IN_BETA: n = 1, number = &g->beta; break;
  case IN_ALPHA: n = 1, number = &g->alpha; break;
  case IN_GAMMA: n = 1, number = &g->gamma; break;
  default: n = 1, number = g->numbers + (part - IN_POST); break;
  }
  *along = *size = 0;
  for (i = 0; i < n; i++) {
    double v = direction[i] = part >= IN_NULL ? 1 : hfy_rng_normal(rng);
    v *= mine ? (double)mine[i] : number[i];
    *along += v, *size += fabs(v);
  }
  for (k = 0; k <= 2; k++)
    for (side = k ? -1 : 1; side <= 1; side += 2) {
      wide step = (wide)(side * k) * h, value;
      moved = *m;
      if (part == IN_GAIN && !net->post.gain) { /* eta, for each coordinate on its own */
        for (i = 0; i < D; i++) moved.gain[i] = (wide)oracle_or(net->post.eta, 1);
        moved.net.post.gain = g->gain; /* not read: only whether there is one */
      }
      if (part == IN_DELTA && !net->post.delta) {
        for (i = 0; i < D; i++) moved.delta[i] = 0;
        moved.net.post.delta = g->delta;
      }
      if (part == IN_UPPER) moved.net.sep.upper = bounds[0];
      if (part == IN_LOWER) moved.net.sep.lower = bounds[1];
      of_post = part == IN_POST       ? &moved.net.post.beta
                : part == IN_POST + 1 ? &moved.net.post.radius
                : part == IN_POST + 2 ? &moved.net.post.eta
                : part == IN_POST + 3 ? &moved.net.post.eps
                : part == IN_POST + 4 ? &moved.net.post.power
                : part == IN_POST + 5 ? &moved.net.post.sigma
                : part == IN_POST + 6 ? &moved.net.post.theta
                                      : NULL;
      if (of_post && part != IN_POST + 3 && part < IN_POST + 5) *of_post = oracle_or(*of_post, 1);
      if (of_post) *of_post += (double)step;
      for (i = 0; i < n; i++) {
        if (part == IN_QUERIES) moved.queries[i] += step * direction[i];
        if (part == IN_KEYS) moved.keys[i] += step * direction[i];
        if (part == IN_VALUES || (part == IN_KEYS && !net->values)) moved.values[i] += step * direction[i];
        if (part == IN_READOUT) moved.readout[i] += step * direction[i];
        if (part == IN_BIAS) moved.bias[i] += step * direction[i];
        if (part == IN_SELF) moved.self_coupling[i] += step * direction[i];
        if (part == IN_GAIN) moved.gain[i] += step * direction[i];
        if (part == IN_DELTA) moved.delta[i] += step * direction[i];
        if (part == IN_MATRIX) moved.matrix[i] += step * direction[i];
        if (part == IN_UPPER || part == IN_LOWER)
          bounds[part - IN_UPPER][i] = (double)(from[i] + step * direction[i]);
        if (part == IN_NULL) moved.null_score += step;
        if (part == IN_BETA) moved.beta += step;
        if (part == IN_ALPHA) {
          moved.alpha += step;
          moved.net.sep.alpha = (double)moved.alpha;
        }
        if (part == IN_GAMMA) {
          moved.gamma += step;
          moved.net.sep.gamma = (double)moved.gamma;
        }
      }
      oracle_signature = 0;
      value = objective(&moved, steps, dout, width);
      if (!k) here = oracle_signature;
      if (oracle_signature != here) return 0;
      if (k) sum += (wide)side * weight[k - 1] * value / h;
    }
  *slope = sum;
  return 1;
}

static int compared_parts[PARTS];

/* A net's whole gradient against the oracle's slopes. Returns how many parts could be compared. */
static int gradient(fixture *f, const char *sep, const char *post, int more) {
  static oracle_memory m;
  static gradients g;
  hfy_grad grad;
  hfy_real dout[MAX_B * MAX_D];
  hfy_rng rng = hfy_rng_seed(4242);
  size_t width = f->net.readout ? f->net.readout_dim : f->net.dim, steps[MAX_B];
  hfy_report report;
  int part, compared = 0;
  memset(&report, 0, sizeof report);
  report.steps = steps;
  normals(&rng, dout, f->B * width, 1);
  ask(&f->net, &g, &grad);
  CHECK(hfy_retrieve(&f->net, f->queries, f->B, f->out, &report, NULL) == HFY_OK);
  CHECK(hfy_retrieve_vjp(&f->net, f->queries, f->B, dout, &grad, NULL) == HFY_OK);
  oracle_load(&m, &f->net, f->queries, f->B);
  for (part = 0; part < PARTS; part++) {
    double along, size;
    wide slope;
    int before = check_errors;
    if (!asked(&grad, part)) continue;
    if (!directional(&m, part, &g, &rng, steps, dout, width, &along, &size, &slope)) continue;
    compared++;
    compared_parts[part]++;
    size = 1 + size;
    if (!(size < 1e5)) continue; /* a cliff */
    CHECK_NEAR(along / size, (double)slope / size, sizeof(hfy_real) == 8 ? 1e-9 : 2e-4);
    if (check_errors != before && check_errors <= 5) printf("      d %s: ", part_names[part]);
    if (check_errors != before) show(sep, post, more);
  }
  return compared;
}

/* hfy_energy_vjp of every separation and post that has an energy, part by part; what it adds is that of single calls */
TEST(energy_vjp_by_differences) {
  enum { N = 6, D = 4, B = 3 };
  static const unsigned more[] = {0, 4 + 8, 4 + 16 + 32 + 256, 8 + 512};
  static const int parts[] = {IN_QUERIES, IN_KEYS, IN_BIAS, IN_SELF, IN_NULL, IN_BETA};
  static oracle_memory m;
  static gradients g, sum;
  fixture f;
  int s, p, options, seen[COUNT(parts)] = {0};
  for (s = 0; s < LEARNED; s++)
    for (p = 0; p < 9; p++)
      for (options = 0; options < 4; options++) {
        hfy_rng rng = hfy_rng_seed((uint64_t)(31000 + 100 * s + 10 * p + options));
        double weight[B], each[B] = {0}, all = 0;
        hfy_real weights[B];
        const char *sep, *post;
        hfy_grad grad, one;
        size_t j, k;
        if (!MINE(s + p + options)) continue;
        make(&f, (uint64_t)(32000 + 100 * s + 10 * p + options), N, D, B);
        sep = use_learned_sep(&f, s);
        post = use_post(&f, p);
        with_options(&f, more[options]);
        if (options == 2 && (s == 2 || s == 11 || s == 12 || s == 17 || s == 20)) f.net.visible = NULL;
        f.visible[0] = 5, f.visible[1] = 2, f.visible[2] = 6;
        f.net.beta = options == 2 && s == 13 ? 0.05 : 0.8;
        inwards(&f, p, D);
        for (j = 0; j < B; j++) weights[j] = (hfy_real)(weight[j] = (double)(hfy_real)hfy_rng_normal(&rng));
        memset(&g, 0, sizeof g), memset(&grad, 0, sizeof grad), memset(&sum, 0, sizeof sum);
        grad.queries = g.queries, grad.keys = g.keys, grad.beta = &g.beta, grad.betas = each;
        if (f.net.bias) grad.bias = g.bias;
        if (f.net.self_coupling) grad.self_coupling = g.self_coupling;
        if (f.net.null_pattern) grad.null_score = &g.null_score;
        oracle_load(&m, &f.net, f.queries, B);
        CHECK(hfy_energy_vjp(&f.net, f.queries, B, weight, &grad, NULL) == HFY_OK);
        for (k = 0; k < COUNT(parts); k++) {
          double along, size;
          wide slope;
          int before = check_errors;
          if (!asked(&grad, parts[k]) || (parts[k] == IN_QUERIES && (p == 2 || p == 3 || p == 5 || p == 6))) continue;
          if (!directional(&m, parts[k], &g, &rng, NULL, weights, 0, &along, &size, &slope)) continue;
          seen[k]++;
          size = 1 + size;
          CHECK_NEAR(along / size, (double)slope / size, sizeof(hfy_real) == 8 ? 1e-9 : 2e-5);
          if (check_errors != before && check_errors <= 5) printf("      d %s: ", part_names[parts[k]]);
          if (check_errors != before) show(sep, post, options);
        }
        for (j = 0; j < B; j++) { /* alone */
          hfy_net net = f.net;
          if (net.bias) net.bias += j * net.bias_stride;
          if (net.visible) net.visible += j;
          if (net.sep.upper) net.sep.upper += j * net.sep.bound_stride;
          if (net.sep.lower) net.sep.lower += j * net.sep.bound_stride;
          one = grad;
          one.queries = sum.queries + j * D, one.keys = sum.keys, one.beta = &sum.beta, one.betas = NULL;
          if (one.bias) one.bias = sum.bias + j * net.bias_stride;
          if (one.self_coupling) one.self_coupling = sum.self_coupling;
          if (one.null_score) one.null_score = &sum.null_score;
          CHECK(hfy_energy_vjp(&net, f.queries + j * D, 1, weight + j, &one, NULL) == HFY_OK);
          all += each[j];
        }
        CHECK(same_bits(&g, &sum, sizeof g));
        CHECK(g.beta == all || fabs(g.beta - all) <= 1e-12 * fabs(all));
      }
  for (s = 0; s < (int)COUNT(parts); s++)
    if (!CHECK(seen[s] > 30 / (int)FEWER)) printf("    %s: %d\n", part_names[parts[s]], seen[s]);
}

/* Under lower bounds the masked keep their weight and pull: the net without them, with what is left of k, less l x.q. */
TEST(energy_of_masked_patterns_under_lower_bounds) {
  enum { N = 6, D = 4, SEEN = 4 };
  const double lower[N] = {0, 0.1, 0, 0.2, 0.3, 0.15}, denergy = -1.5, near = 64 * REAL_EPS;
  const size_t visible = SEEN;
  int mask, seed;
  size_t i, d;
  for (mask = 0; mask < 2; mask++)
    for (seed = 0; seed < 20; seed++) {
      hfy_real slope[D], of_less[D], dq[D] = {0}, keys[N * D] = {0}, bias[N] = {0};
      double e, less, beta = 0, beta_less = 0, held = 0, energy[4];
      hfy_report report;
      hfy_grad grad;
      fixture f;
      hfy_net net;
      make(&f, (uint64_t)(700 + seed), N, D, 1);
      f.net.sep.kind = HFY_SEP_KSUBSETS;
      f.net.sep.k = 1.75;
      f.net.sep.lower = lower;
      f.net.beta = 0.7;
      f.net.max_steps = 3;
      f.net.bias = f.bias;
      net = f.net;
      net.count = SEEN;
      net.sep.k -= lower[4] + lower[5];
      if (mask)
        f.bias[4] = f.bias[5] = (hfy_real)-HUGE_VAL;
      else
        f.net.visible = &visible;
      memset(&report, 0, sizeof report), memset(&grad, 0, sizeof grad);
      CHECK(hfy_energy(&f.net, f.queries, 1, &e, NULL) == HFY_OK && hfy_energy(&net, f.queries, 1, &less, NULL) == HFY_OK);
      CHECK(hfy_energy_gradient(&f.net, f.queries, 1, slope, NULL) == HFY_OK);
      CHECK(hfy_energy_gradient(&net, f.queries, 1, of_less, NULL) == HFY_OK);
      for (d = 0; d < D; d++) {
        double pull = 0;
        for (i = SEEN; i < N; i++) pull += lower[i] * (double)f.keys[i * D + d];
        held += pull * (double)f.queries[d];
        CHECK_NEAR(slope[d], (double)of_less[d] - pull, near);
      }
      CHECK_NEAR(e, less - held, near);
      grad.beta = &beta_less;
      CHECK(hfy_energy_vjp(&net, f.queries, 1, &denergy, &grad, NULL) == HFY_OK);
      grad.beta = &beta, grad.queries = dq, grad.keys = keys, grad.bias = bias;
      CHECK(hfy_energy_vjp(&f.net, f.queries, 1, &denergy, &grad, NULL) == HFY_OK);
      CHECK_NEAR(beta, beta_less, near);
      for (d = 0; d < D; d++) {
        CHECK_NEAR(dq[d], denergy * (double)slope[d], near);
        for (i = SEEN; i < N; i++)
          CHECK_NEAR(keys[i * D + d], -denergy * lower[i] * (double)f.queries[d], near);
      }
      CHECK(bias[4] == 0 && bias[5] == 0 && (bias[0] != 0 || bias[1] != 0));
      report.energy = energy; /* what the steps descend */
      CHECK(hfy_retrieve(&f.net, f.queries, 1, slope, &report, NULL) == HFY_OK);
      CHECK_NEAR(energy[0], e, near);
      for (d = 0; d < 3; d++) CHECK(energy[d + 1] <= energy[d] + near * (1 + fabs(e)));
    }
}

TEST(energy_vjp_refused) {
  fixture f;
  hfy_work work;
  hfy_grad grad;
  hfy_real keys[6 * 4] = {0}, dq[3 * 4] = {0};
  double weight[3] = {1, 1, 1}, number = 0;
#define OF(member) offsetof(hfy_grad, member)
  static const size_t others[] = {
    OF(values), OF(readout), OF(alpha), OF(gamma), OF(alphas), OF(gammas), OF(upper), OF(lower), OF(transition),
    OF(transitions), OF(residual), OF(post.z), OF(post.gain), OF(post.delta), OF(post.matrix), OF(post.beta),
    OF(post.radius), OF(post.eta), OF(post.eps), OF(post.power), OF(post.sigma), OF(post.theta)};
#undef OF
  const void *const some = weight;
  size_t i;
  memset(&work, 0, sizeof work), memset(&grad, 0, sizeof grad);
  make(&f, 12700, 6, 4, 3);
  grad.keys = keys;
  CHECK_FAILS(hfy_energy_vjp(&f.net, f.queries, 3, weight, NULL, &work), HFY_ERR_ARG, &work, "grad is NULL");
  CHECK_FAILS(hfy_energy_vjp(&f.net, f.queries, 3, NULL, &grad, &work), HFY_ERR_ARG, &work, "denergy is NULL");
  CHECK_FAILS(hfy_energy_vjp(&f.net, NULL, 3, weight, &grad, &work), HFY_ERR_ARG, &work, "q is NULL");
  CHECK_FAILS(hfy_energy_vjp(NULL, f.queries, 3, weight, &grad, &work), HFY_ERR_ARG, &work, "net is NULL");
  grad.null_score = &number;
  CHECK_FAILS(hfy_energy_vjp(&f.net, f.queries, 3, weight, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "null_score");
  grad.null_score = NULL;
  for (i = 0; i < COUNT(others); i++) {
    hfy_grad one = grad;
    memcpy((char *)&one + others[i], &some, sizeof some);
    CHECK_FAILS(hfy_energy_vjp(&f.net, f.queries, 3, weight, &one, &work), HFY_ERR_UNSUPPORTED, &work, "grad: energies");
  }
  grad.implicit = 1;
  CHECK_FAILS(hfy_energy_vjp(&f.net, f.queries, 3, weight, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "grad: energies");
  grad.implicit = 0;
  f.net.sim = HFY_SIM_COSINE;
  CHECK_FAILS(hfy_energy_vjp(&f.net, f.queries, 3, weight, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "sim");
  f.net.sim = HFY_SIM_DOT;
  CHECK(keys[0] == 0 && hfy_energy_vjp(&f.net, NULL, 0, NULL, &grad, &work) == HFY_OK);
  /* a query that fails adds nothing: a weight, a state, an edge of dom Psi where its slope is asked for */
  weight[1] = HUGE_VAL;
  grad.queries = dq, grad.beta = &number;
  CHECK_FAILS(hfy_energy_vjp(&f.net, f.queries, 3, weight, &grad, &work), HFY_ERR_NONFINITE, &work, "query 1");
  CHECK(dq[4] == 0 && dq[0] != 0 && dq[8] != 0);
  weight[1] = REAL_MAX;
  fill(f.queries + 4, 4, 4);
  CHECK_FAILS(hfy_energy_vjp(&f.net, f.queries, 3, weight, &grad, &work), HFY_ERR_NONFINITE, &work, "query 1");
  weight[1] = 1;
  f.net.post.kind = HFY_POST_TANH;
  fill(f.queries, 12, 0.5);
  fill(f.queries + 4, 4, 1);
  memset(dq, 0, sizeof dq), memset(keys, 0, sizeof keys);
  CHECK_FAILS(hfy_energy_vjp(&f.net, f.queries, 3, weight, &grad, &work), HFY_ERR_ARG, &work, "query 1 lies");
  CHECK(dq[4] == 0 && dq[8] != 0);
  grad.queries = NULL;
  CHECK(hfy_energy_vjp(&f.net, f.queries, 3, weight, &grad, &work) == HFY_OK);
  /* squares of a state beyond hfy_real; 1/beta where nothing is divided by it */
  f.net.post.kind = HFY_POST_NONE;
  f.net.self_coupling = f.self_coupling;
  fill(f.queries + 4, 4, 1e20);
  weight[1] = REAL_MAX / 1e37;
  memset(dq, 0, sizeof dq), memset(keys, 0, sizeof keys);
  grad.self_coupling = dq;
  CHECK_FAILS(hfy_energy_vjp(&f.net, f.queries, 3, weight, &grad, &work), HFY_ERR_NONFINITE, &work, "query 1");
  for (i = 0; i < 4; i++) CHECK(fabs((double)dq[i]) < 1);
  fill(f.queries + 4, 4, 0.5);
  weight[1] = 1;
  f.net.beta = 1e-40;
  CHECK(hfy_energy_vjp(&f.net, f.queries, 3, weight, &grad, &work) == HFY_OK);
  hfy_work_free(&work);
}

/* One step without options: every similarity, separation and post together. More: what is new is how a step hands on to
   the one before, so every pair of them meets, but not all three. */
static void gradients_of(hfy_sim sim, size_t steps, unsigned options) {
  fixture f;
  int s, p, compared = 0, total = 0;
  for (s = 0; s < LEARNED; s++)
    for (p = 0; p < POSTS; p++) {
      const char *sep, *post;
      if (p == 2) continue; /* sign: 0 everywhere, see below */
      if (options || steps > 1 ? (s + p + (int)sim) % 3 || !MINE((s + p) / 3) : !MINE(s + p + (int)sim)) continue;
      if (steps > 1 && (sep_is_unbounded(s) || s > 20) && s != 19 && s != 20 && !post_is_bounded(p)) continue;
      make(&f, (uint64_t)(20000 + 20 * s + p), 5, 4, 2);
      sep = use_learned_sep(&f, s);
      post = use_post(&f, p);
      f.net.sim = sim;
      f.net.max_steps = steps;
      f.net.beta = 0.6;
      with_options(&f, options);
      compared += gradient(&f, sep, post, (int)sim);
      total += 3;
    }
  CHECK(compared > total * 3 / 4);
}

/* whatever net there was a gradient of, each parameter was compared somewhere */
TEST(gradient_every_part_was_compared) {
  int part;
  for (part = 0; part < PARTS; part++) {
    int enough = compared_parts[part] >= 20 / (int)FEWER;
    CHECK(enough);
    if (!enough) printf("      d %s: %d\n", part_names[part], compared_parts[part]);
  }
}

TEST(gradient_dot_one_step) { gradients_of(HFY_SIM_DOT, 1, 0); }
TEST(gradient_cosine_one_step) { gradients_of(HFY_SIM_COSINE, 1, 0); }
TEST(gradient_euclidean_one_step) { gradients_of(HFY_SIM_EUCLIDEAN, 1, 0); }
TEST(gradient_manhattan_one_step) { gradients_of(HFY_SIM_MANHATTAN, 1, 0); }
TEST(gradient_dot_three_steps) { gradients_of(HFY_SIM_DOT, 3, 0); }
TEST(gradient_cosine_three_steps) { gradients_of(HFY_SIM_COSINE, 3, 0); }
TEST(gradient_euclidean_three_steps) { gradients_of(HFY_SIM_EUCLIDEAN, 3, 0); }
TEST(gradient_manhattan_three_steps) { gradients_of(HFY_SIM_MANHATTAN, 3, 0); }
TEST(gradient_with_values) { gradients_of(HFY_SIM_DOT, 2, 1); }
/* Keys that are unit vectors: the step is the separation itself, so its gradients are hfy_sep_vjp's. */
TEST(gradient_of_extreme_separations) {
  enum { N = 6 };
  static const double extreme[] = {1.01, 10, 100, 200, 1e4, 1e8, 1e30};
  hfy_rng rng = hfy_rng_seed(71);
  hfy_real keys[N * N] = {0}, q[N], y[N], v[N], g[N], want[N];
  size_t c, i;
  for (i = 0; i < N; i++) keys[i * N + i] = 1;
  for (c = 0; c < 2 * COUNT(extreme); c++) {
    hfy_net net;
    hfy_grad grad;
    hfy_sep_grad alone;
    double got = 0, other = 8;
    memset(&net, 0, sizeof net);
    memset(g, 0, sizeof g);
    memset(&grad, 0, sizeof grad);
    memset(&alone, 0, sizeof alone);
    net.dim = net.count = N;
    net.keys = keys;
    net.beta = 1;
    net.sep.kind = c % 2 ? HFY_SEP_NORMMAX : HFY_SEP_ENTMAX;
    net.sep.alpha = net.sep.gamma = extreme[c / 2];
    *(c % 2 ? &grad.gamma : &grad.alpha) = &got, *(c % 2 ? &alone.gamma : &alone.alpha) = &other;
    for (i = 0; i < N; i++) {
      q[i] = (hfy_real)(hfy_rng_uniform(&rng) * (c % 2 ? 0.4 : 0.4 / extreme[c / 2]));
      v[i] = (hfy_real)hfy_rng_normal(&rng);
    }
    grad.queries = g;
    alone.theta = want;
    CHECK(hfy_sep_apply(&net.sep, q, 1, N, y, NULL) == HFY_OK);
    CHECK(hfy_sep_vjp(&net.sep, q, y, v, 1, N, &alone, NULL) == HFY_OK);
    CHECK(hfy_retrieve_vjp(&net, q, 1, v, &grad, NULL) == HFY_OK);
    for (i = 0; i < N; i++) CHECK(fabs((double)(g[i] - want[i])) <= 4 * REAL_EPS * fabs((double)want[i]));
    CHECK(fabs(got - other) <= 1e-13 * fabs(other));
  }
}

TEST(gradient_with_readout) { gradients_of(HFY_SIM_DOT, 2, 2); }
TEST(gradient_with_readout_one_step) { gradients_of(HFY_SIM_DOT, 1, 2); }
TEST(gradient_with_self_coupling) { gradients_of(HFY_SIM_DOT, 2, 4); }
TEST(gradient_with_bias) { gradients_of(HFY_SIM_EUCLIDEAN, 2, 8); }
TEST(gradient_with_bias_per_query) { gradients_of(HFY_SIM_DOT, 2, 16); }
TEST(gradient_with_null_pattern) {
  gradients_of(HFY_SIM_EUCLIDEAN, 2, 8 + 512);
  gradients_of(HFY_SIM_DOT, 3, 1 + 2 + 512);
}
TEST(gradient_with_leak) { gradients_of(HFY_SIM_DOT, 3, 64); }
TEST(gradient_with_everything) { gradients_of(HFY_SIM_COSINE, 3, 1 + 2 + 4 + 16 + 64 + 128 + 256); }

TEST(gradient_with_visible) {
  fixture f;
  int s, compared = 0;
  for (s = 0; s < 17; s++) {
    const char *sep;
    if (s == 2 || s == 11 || s == 12) continue;
    make(&f, 21000 + (uint64_t)s, 6, 4, 3);
    sep = use_sep(&f, s);
    use_post(&f, 4);
    f.visible[0] = 5;
    f.visible[1] = 2;
    f.visible[2] = 3;
    f.net.visible = f.visible;
    f.net.max_steps = 2;
    f.net.beta = 0.6;
    compared += gradient(&f, sep, "l2 eps", 0);
  }
  CHECK(compared > 35);
}

TEST(gradient_every_entry) {
  enum { N = 5, D = 3, B = 2, V = 2 };
  fixture f;
  static oracle_memory m;
  static gradients g;
  hfy_grad grad;
  hfy_real dout[B * V];
  hfy_rng rng = hfy_rng_seed(6);
  size_t steps[B] = {3, 3}, i;
  make(&f, 22000, N, D, B);
  use_sep(&f, 5);
  use_post(&f, 1);
  f.net.max_steps = 3;
  with_options(&f, 1 + 2 + 4 + 16);
  f.net.readout_dim = V;
  normals(&rng, dout, B * V, 1);
  ask(&f.net, &g, &grad);
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, B, dout, &grad, NULL) == HFY_OK);
  oracle_load(&m, &f.net, f.queries, B);
  for (i = 0; i < B * D + 2 * N * D + N * V + B * N + D; i++) {
    size_t at = i;
    wide *where, keep, up, down, h = 1e-6L;
    const hfy_real *mine;
    if (at < B * D)
      where = m.queries + at, mine = g.queries + at;
    else if ((at -= B * D) < N * D)
      where = m.keys + at, mine = g.keys + at;
    else if ((at -= N * D) < N * D)
      where = m.values + at, mine = g.values + at;
    else if ((at -= N * D) < N * V)
      where = m.readout + at, mine = g.readout + at;
    else if ((at -= N * V) < B * N)
      where = m.bias + at, mine = g.bias + at;
    else
      at -= B * N, where = m.self_coupling + at, mine = g.self_coupling + at;
    keep = *where;
    *where = keep + h, up = objective(&m, steps, dout, V);
    *where = keep - h, down = objective(&m, steps, dout, V);
    *where = keep;
    CHECK_NEAR(*mine, (double)((up - down) / (2 * h)), sizeof(hfy_real) == 8 ? 1e-9 : 1e-5);
  }
}

TEST(gradient_through_a_stop) {
  fixture f;
  size_t steps[2];
  hfy_report report;
  int s, compared = 0;
  memset(&report, 0, sizeof report);
  report.steps = steps;
  for (s = 0; s < 7; s++) {
    const char *sep;
    make(&f, 23000 + (uint64_t)s, 5, 4, 2);
    sep = use_sep(&f, s);
    f.net.max_steps = 7;
    f.net.beta = 0.3;
    f.net.tol = 0.2;
    CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, &report, NULL) == HFY_OK);
    CHECK(steps[0] < 7 && steps[1] < 7);
    compared += gradient(&f, sep, "none", 0);
  }
  CHECK(compared > 14);
}

TEST(gradient_is_added) {
  fixture f;
  static gradients g, twice;
  hfy_grad grad;
  hfy_real dout[8];
  hfy_rng rng = hfy_rng_seed(7);
  size_t i;
  int p;
  make(&f, 24000, 5, 4, 2);
  with_options(&f, 1 + 4 + 8);
  use_sep(&f, 6);
  normals(&rng, dout, 8, 1);
  ask(&f.net, &twice, &grad);
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
  ask(&f.net, &g, &grad);
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
  for (i = 0; i < 20; i++) CHECK_NEAR(twice.keys[i], 2 * (double)g.keys[i], 4 * REAL_EPS);
  for (i = 0; i < 20; i++) CHECK_NEAR(twice.values[i], 2 * (double)g.values[i], 4 * REAL_EPS);
  for (i = 0; i < 8; i++) CHECK_NEAR(twice.queries[i], 2 * (double)g.queries[i], 4 * REAL_EPS);
  for (i = 0; i < 5; i++) CHECK_NEAR(twice.bias[i], 2 * (double)g.bias[i], 4 * REAL_EPS);
  for (i = 0; i < 4; i++) CHECK_NEAR(twice.self_coupling[i], 2 * (double)g.self_coupling[i], 4 * REAL_EPS);
  CHECK_NEAR(twice.beta, 2 * g.beta, 1e-14);
  CHECK_NEAR(twice.alpha, 2 * g.alpha, 1e-14);
  CHECK(fabs(g.beta) > 1e-6 && fabs(g.alpha) > 1e-6);
  for (p = 1; p < POSTS; p++) { /* the posts' parameters and bounds too */
    use_sep(&f, 2);
    f.net.sep.lower = f.lower;
    use_post(&f, p);
    ask(&f.net, &twice, &grad);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
    ask(&f.net, &g, &grad);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
    for (i = 0; i < 7; i++) CHECK_NEAR(twice.numbers[i], 2 * g.numbers[i], 1e-14);
    for (i = 0; i < 5; i++) CHECK_NEAR(twice.upper[i], 2 * g.upper[i], 1e-14);
    for (i = 0; i < 5; i++) CHECK_NEAR(twice.lower[i], 2 * g.lower[i], 1e-14);
    for (i = 0; i < 4; i++) CHECK_NEAR(twice.gain[i], 2 * (double)g.gain[i], 8 * REAL_EPS);
    for (i = 0; i < 4; i++) CHECK_NEAR(twice.delta[i], 2 * (double)g.delta[i], 8 * REAL_EPS);
    for (i = 0; i < 16; i++) CHECK_NEAR(twice.matrix[i], 2 * (double)g.matrix[i], 8 * REAL_EPS);
  }
}

TEST(gradient_members_alone) {
  fixture f;
  static gradients all, one;
  hfy_grad grad, some;
  hfy_real dout[8];
  hfy_rng rng = hfy_rng_seed(8);
  int part;
  make(&f, 24100, 5, 4, 2);
  with_options(&f, 1 + 4 + 16);
  use_sep(&f, 8);
  f.net.max_steps = 2;
  normals(&rng, dout, 8, 1);
  ask(&f.net, &all, &grad);
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
  for (part = 0; part < 7; part++) {
    ask(&f.net, &one, &grad);
    memset(&some, 0, sizeof some);
    if (part == 0) some.queries = grad.queries;
    if (part == 1) some.keys = grad.keys;
    if (part == 2) some.values = grad.values;
    if (part == 3) some.bias = grad.bias;
    if (part == 4) some.self_coupling = grad.self_coupling;
    if (part == 5) some.beta = grad.beta;
    if (part == 6) some.gamma = grad.gamma;
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &some, NULL) == HFY_OK);
    if (part == 0) CHECK(same_bits(one.queries, all.queries, sizeof one.queries));
    if (part == 1) CHECK(same_bits(one.keys, all.keys, sizeof one.keys));
    if (part == 2) CHECK(same_bits(one.values, all.values, sizeof one.values));
    if (part == 3) CHECK(same_bits(one.bias, all.bias, sizeof one.bias));
    if (part == 4) CHECK(same_bits(one.self_coupling, all.self_coupling, sizeof one.self_coupling));
    if (part == 5) CHECK_EQ(one.beta, all.beta);
    if (part == 6) CHECK_EQ(one.gamma, all.gamma);
    if (part != 1) CHECK(all_are(one.keys, COUNT(one.keys), 0));
  }
}

TEST(gradient_of_strided_arrays) {
  enum { N = 5, D = 4, GAP = 2, B = 2, V = 3 };
  static hfy_real keys[N * (D + GAP)], values[N * (D + GAP)], readout[N * (V + GAP)], bias[B * (N + GAP)];
  static hfy_real dk[N * (D + GAP)], dv[N * (D + GAP)], dr[N * (V + GAP)], db[B * (N + GAP)];
  static gradients g;
  fixture f;
  hfy_grad grad;
  hfy_real dout[B * V];
  hfy_rng rng = hfy_rng_seed(9);
  hfy_net far;
  size_t i, d;
  make(&f, 24200, N, D, B);
  with_options(&f, 1 + 2 + 16);
  f.net.max_steps = 2;
  normals(&rng, dout, B * V, 1);
  ask(&f.net, &g, &grad);
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, B, dout, &grad, NULL) == HFY_OK);
  for (i = 0; i < N; i++) {
    memcpy(keys + i * (D + GAP), f.keys + i * D, D * sizeof *keys);
    memcpy(values + i * (D + GAP), f.values + i * D, D * sizeof *values);
    memcpy(readout + i * (V + GAP), f.readout + i * V, V * sizeof *readout);
  }
  for (i = 0; i < B; i++) memcpy(bias + i * (N + GAP), f.bias + i * N, N * sizeof *bias);
  far = f.net;
  far.keys = keys;
  far.key_stride = D + GAP;
  far.values = values;
  far.value_stride = D + GAP;
  far.readout = readout;
  far.readout_stride = V + GAP;
  far.bias = bias;
  far.bias_stride = N + GAP;
  memset(&grad, 0, sizeof grad);
  grad.keys = dk;
  grad.values = dv;
  grad.readout = dr;
  grad.bias = db;
  CHECK(hfy_retrieve_vjp(&far, f.queries, B, dout, &grad, NULL) == HFY_OK);
  for (i = 0; i < N; i++) {
    CHECK(same_bits(dk + i * (D + GAP), g.keys + i * D, D * sizeof *dk));
    CHECK(same_bits(dv + i * (D + GAP), g.values + i * D, D * sizeof *dv));
    CHECK(same_bits(dr + i * (V + GAP), g.readout + i * V, V * sizeof *dr));
    for (d = 0; d < GAP; d++) CHECK_EQ(dk[i * (D + GAP) + D + d], 0);
    for (d = 0; d < GAP; d++) CHECK_EQ(dr[i * (V + GAP) + V + d], 0);
  }
  for (i = 0; i < B; i++) {
    CHECK(same_bits(db + i * (N + GAP), g.bias + i * N, N * sizeof *db));
    for (d = 0; d < GAP; d++) CHECK_EQ(db[i * (N + GAP) + N + d], 0);
  }
}

TEST(gradient_of_sign_and_argmax_is_0) {
  fixture f;
  static gradients g;
  hfy_grad grad;
  hfy_real dout[8];
  make(&f, 24300, 5, 4, 2);
  use_post(&f, 2);
  fill(dout, 8, 1);
  ask(&f.net, &g, &grad);
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
  CHECK(all_are(g.keys, 20, 0) && all_are(g.queries, 8, 0));
  CHECK_EQ(g.beta, 0);
  use_post(&f, 0);
  use_sep(&f, 17);
  ask(&f.net, &g, &grad);
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
  CHECK(all_are(g.queries, 8, 0));
  CHECK(!all_are(g.keys, 20, 0)); /* the projection still moves with the patterns */
}

TEST(gradient_ignores_masked_patterns) {
  enum { N = 5, D = 4 };
  fixture f;
  static gradients g;
  hfy_grad grad;
  hfy_real dout[2 * D];
  int s;
  fill(dout, 2 * D, 1);
  for (s = 0; s < 14; s++) {
    const char *sep;
    if (s == 2) continue;
    make(&f, 24400 + (uint64_t)s, N, D, 2);
    sep = use_sep(&f, s);
    f.net.max_steps = 2;
    f.bias[3] = (hfy_real)-HUGE_VAL;
    f.net.bias = f.bias;
    fill(f.keys + 3 * D, D, (double)not_a_number());
    ask(&f.net, &g, &grad);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
    CHECK(all_are(g.keys + 3 * D, D, 0));
    CHECK_EQ(g.bias[3], 0);
    CHECK(oracle_finite(g.keys[0]) && oracle_finite(g.queries[0]) && oracle_finite((wide)g.beta));
    show(sep, "none", s);
  }
}

TEST(gradient_of_bad_queries) {
  fixture f;
  static gradients g, good;
  hfy_grad grad;
  hfy_real dout[12];
  hfy_rng rng = hfy_rng_seed(10);
  hfy_work work;
  size_t i;
  memset(&work, 0, sizeof work);
  make(&f, 24500, 5, 4, 3);
  normals(&rng, dout, 12, 1);
  ask(&f.net, &good, &grad);
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, 1, dout, &grad, NULL) == HFY_OK);
  CHECK(hfy_retrieve_vjp(&f.net, f.queries + 8, 1, dout + 8, &grad, NULL) == HFY_OK);
  f.queries[6] = not_a_number();
  ask(&f.net, &g, &grad);
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 3, dout, &grad, &work), HFY_ERR_NONFINITE, &work, "query 1");
  for (i = 0; i < 20; i++) CHECK_NEAR(g.keys[i], good.keys[i], 4 * REAL_EPS);
  CHECK_NEAR(g.beta, good.beta, 1e-14);
  CHECK(all_are(g.queries + 4, 4, 0) && !all_are(g.queries + 8, 4, 0));
  ask(&f.net, &good, &grad); /* two that fail, one after the other: neither adds anything */
  CHECK(hfy_retrieve_vjp(&f.net, f.queries + 8, 1, dout + 8, &grad, NULL) == HFY_OK);
  f.queries[1] = not_a_number();
  ask(&f.net, &g, &grad);
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 3, dout, &grad, &work), HFY_ERR_NONFINITE, &work, "query 0");
  for (i = 0; i < 20; i++) CHECK_EQ(g.keys[i], good.keys[i]);
  CHECK_EQ(g.beta, good.beta);
  CHECK(all_are(g.queries, 8, 0) && same_bits(g.queries + 8, good.queries, 4 * sizeof *g.queries));
  hfy_work_free(&work);
}

TEST(gradient_refusals) {
  fixture f;
  static gradients g;
  hfy_grad grad;
  hfy_real dout[8];
  hfy_work work;
  memset(&work, 0, sizeof work);
  make(&f, 24600, 5, 4, 2);
  fill(dout, 8, 1);
  ask(&f.net, &g, &grad);
  grad.alpha = &g.alpha;
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "alpha");
  grad.alpha = NULL;
  grad.gamma = &g.gamma;
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "gamma");
  use_sep(&f, 18);
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "gamma");
  use_sep(&f, 0);
  grad.gamma = NULL;
  grad.values = g.values;
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_ARG, &work, "values");
  grad.values = NULL;
  grad.upper = g.upper;
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "grad->upper");
  use_sep(&f, 2); /* bounds above, none below */
  grad.upper = NULL;
  grad.lower = g.lower;
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "grad->lower");
  use_sep(&f, 0);
  grad.lower = NULL;
  grad.post.eta = &g.numbers[0];
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_UNSUPPORTED, &work,
              "grad->post.eta");
  use_post(&f, 9); /* gains instead of eta */
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_UNSUPPORTED, &work,
              "grad->post.eta");
  use_post(&f, 0);
  grad.post.eta = NULL;
  grad.post.matrix = g.matrix;
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_UNSUPPORTED, &work,
              "grad->post.matrix");
  grad.post.matrix = NULL;
  grad.post.z = g.queries;
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_ARG, &work, "grad->post.z");
  grad.post.z = NULL;
  CHECK_EQ(g.upper[0] + g.lower[0] + g.numbers[0] + (double)g.matrix[0], 0);
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, NULL, &grad, &work), HFY_ERR_ARG, &work, "dout");
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, NULL, 2, dout, &grad, &work), HFY_ERR_ARG, &work, "queries");
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, NULL, &work), HFY_ERR_ARG, &work, "grad");
  CHECK_FAILS(hfy_retrieve_vjp(NULL, f.queries, 2, dout, &grad, &work), HFY_ERR_ARG, &work, "net");
  CHECK(all_are(g.keys, 20, 0) && all_are(g.queries, 8, 0));
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, 0, dout, &grad, &work) == HFY_OK);
  use_sep(&f, 16); /* exp beyond the range: the state is bounded, the slope is not */
  use_post(&f, 1);
  f.net.beta = 1e6;
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work) == HFY_ERR_UNSUPPORTED);
  CHECK(all_are(g.keys, 20, 0));
  hfy_work_free(&work);
}

#ifdef HFY_DOUBLE
TEST(infinity_less_infinity_is_no_energy) {
  static const hfy_real keys[2] = {1, 2}, q[1] = {1e200}, coupling[1] = {-1};
  double energy = 7;
  hfy_work work;
  hfy_net net;
  memset(&work, 0, sizeof work);
  memset(&net, 0, sizeof net);
  net.dim = 1;
  net.count = 2;
  net.keys = keys;
  net.self_coupling = coupling;
  CHECK_FAILS(hfy_energy(&net, q, 1, &energy, &work), HFY_ERR_NONFINITE, &work, "query 0");
  CHECK_EQ(energy, 7);
  hfy_work_free(&work);
}
#endif

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(energy_by_its_formula);
  RUN(energy_never_rises_none);
  RUN(energy_never_rises_tanh);
  RUN(energy_never_rises_sign);
  RUN(energy_never_rises_l2);
  RUN(energy_never_rises_l2_eps);
  RUN(energy_never_rises_layernorm);
  RUN(energy_never_rises_layernorm_eps);
  RUN(energy_never_rises_linear);
  RUN(energy_never_rises_rectified);
  RUN(energy_is_a_difference_of_losses);
  RUN(energy_within_its_bounds);
  RUN(energy_outside_its_domain_is_infinite);
  RUN(energy_gradient_by_differences);
  RUN(energy_gradient_is_0_where_a_net_stands_still);
  RUN(energy_gradient_of_one_pattern);
  RUN(energy_gradient_refusals);
  RUN(energy_where_none_exists);
  RUN(energy_of_bad_queries);
  RUN(gradient_dot_one_step);
  RUN(gradient_cosine_one_step);
  RUN(gradient_euclidean_one_step);
  RUN(gradient_manhattan_one_step);
  RUN(gradient_dot_three_steps);
  RUN(gradient_cosine_three_steps);
  RUN(gradient_euclidean_three_steps);
  RUN(gradient_manhattan_three_steps);
  RUN(gradient_with_values);
  RUN(gradient_of_extreme_separations);
  RUN(gradient_with_readout);
  RUN(gradient_with_readout_one_step);
  RUN(gradient_with_self_coupling);
  RUN(gradient_with_bias);
  RUN(gradient_with_bias_per_query);
  RUN(gradient_with_null_pattern);
  RUN(energy_vjp_by_differences);
  RUN(energy_of_masked_patterns_under_lower_bounds);
  RUN(energy_vjp_refused);
  RUN(gradient_with_leak);
  RUN(gradient_with_everything);
  if (!check_filter[0] || !strcmp(check_filter, "gradient")) RUN(gradient_every_part_was_compared);
  RUN(gradient_with_visible);
  RUN(gradient_every_entry);
  RUN(gradient_through_a_stop);
  RUN(gradient_is_added);
  RUN(gradient_members_alone);
  RUN(gradient_of_strided_arrays);
  RUN(gradient_of_sign_and_argmax_is_0);
  RUN(gradient_ignores_masked_patterns);
  RUN(gradient_of_bad_queries);
  RUN(gradient_refusals);
#ifdef HFY_DOUBLE
  RUN(infinity_less_infinity_is_no_energy);
#endif
  return CHECK_END();
}
