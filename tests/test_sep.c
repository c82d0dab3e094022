/* test_sep.c: separations: reference rows, random rows against the long double versions of oracle.h, what holds of
   every one, every status. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "targets.h"
#include "seps.h"

/* --- reference rows --- */

static void take(const double *from, double scale, size_t n, hfy_real *to) {
  size_t i;
  for (i = 0; i < n; i++) to[i] = (hfy_real)(scale * from[i]);
}

static void near_row(const hfy_real *got, const double *want, size_t n, double tol) {
  size_t i;
  for (i = 0; i < n; i++) {
    if (want[i] < 0 || want[i] > 0)
      CHECK_NEAR(got[i], want[i], tol);
    else
      CHECK_EQ(got[i], 0);
  }
}

static void golden_y(hfy_sep sep, const double *theta, double scale, const double *want, size_t n) {
  hfy_real t[16], y[16];
  take(theta, scale, n, t);
  CHECK(hfy_sep_apply(&sep, t, 1, n, y, NULL) == HFY_OK);
  near_row(y, want, n, REAL_TOL(4));
}

static void golden(hfy_sep sep, double scale, const double *target, const double *y, const double *omega,
                   const double *conjugate, const double *loss, const double *vjp) {
  hfy_real t[5], p[5], v[5], g[5], target_real[5];
  hfy_sep_grad grad;
  double got;
  memset(&grad, 0, sizeof grad);
  grad.theta = g;
  take(F2, scale, 5, t);
  take(V5, 1, 5, v);
  take(target, 1, 5, target_real);
  CHECK(hfy_sep_apply(&sep, t, 1, 5, p, NULL) == HFY_OK);
  near_row(p, y, 5, REAL_TOL(4));
  CHECK(hfy_sep_value(&sep, p, 1, 5, &got, NULL) == HFY_OK);
  CHECK_NEAR(got, *omega, REAL_TOL(8));
  CHECK(hfy_sep_conjugate(&sep, t, 1, 5, &got, NULL) == HFY_OK);
  CHECK_NEAR(got, *conjugate, REAL_TOL(4));
  CHECK(hfy_sep_loss(&sep, t, target_real, 1, 5, &got, NULL) == HFY_OK);
  CHECK_NEAR(got, *loss, REAL_TOL(8));
  CHECK(hfy_sep_vjp(&sep, t, p, v, 1, 5, &grad, NULL) == HFY_OK);
  near_row(g, vjp, 5, REAL_TOL(16));
}

#define GOLDEN(row, sep, scale) \
  golden(sep, scale, Y5, row##_y, row##_omega_y, row##_conj, row##_loss, row##_vjp)
TEST(row_softmax) { GOLDEN(t004, sep_of(HFY_SEP_SOFTMAX), 1); }
TEST(row_softmax_is_entmax_1) { GOLDEN(t004, entmax(1), 1); }
TEST(row_entmax_1_3) { GOLDEN(t005, entmax(1.3), 1); }
TEST(row_entmax_1_5) { GOLDEN(t006, entmax(0), 1); }
TEST(row_sparsemax) { GOLDEN(t007, sep_of(HFY_SEP_SPARSEMAX), 1); }
TEST(row_sparsemax_is_entmax_2) { GOLDEN(t007, entmax(2), 1); }
TEST(row_entmax_2_5) { GOLDEN(t008, entmax(2.5), 0.5); }
TEST(row_entmax_4) { GOLDEN(t009, entmax(4), 0.25); }
TEST(row_entmax_0_5) { GOLDEN(t010, entmax(0.5), 1); }
TEST(row_normmax_1_5) { GOLDEN(t013, normmax(1.5), 1); }
TEST(row_normmax_1_5_wide) { GOLDEN(t014, normmax(1.5), 0.4); }
TEST(row_normmax_2) { GOLDEN(t015, normmax(0), 1); }
TEST(row_normmax_2_wide) { GOLDEN(t016, normmax(2), 0.4); }
TEST(row_normmax_5) { GOLDEN(t017, normmax(5), 1); }
TEST(row_normmax_5_wide) { GOLDEN(t018, normmax(5), 0.4); }

TEST(row_entmax_limits) {
  static const double ties[] = {1, 1, 0.5};
  golden_y(entmax(1 + 1e-9), F2, 1, t011_near1, 5);
  golden_y(entmax(HUGE_VAL), ties, 1, t011_inf, 3);
}

TEST(row_normmax_limits) {
  golden_y(normmax(HUGE_VAL), F2, 1, t019_inf, 5);
  golden_y(normmax(100), F2, 1, t019_g100, 5);
  golden_y(normmax(1), F2, 1, t019_g1, 5);
  golden_y(normmax(HUGE_VAL), F2, 3, t019_inf_big, 5);
  golden_y(normmax(HUGE_VAL), F2, 0.2, t019_inf_small, 5);
}

/* d y / d parameter, one coordinate at a time through unit cotangents */
static void golden_parameter(hfy_sep sep, double scale, const double *want) {
  hfy_real t[5], y[5], unit[5];
  hfy_sep_grad grad;
  size_t i, j;
  double got;
  memset(&grad, 0, sizeof grad);
  if (sep.kind == HFY_SEP_ENTMAX)
    grad.alpha = &got;
  else
    grad.gamma = &got;
  take(F2, scale, 5, t);
  CHECK(hfy_sep_apply(&sep, t, 1, 5, y, NULL) == HFY_OK);
  for (i = 0; i < 5; i++) {
    for (j = 0; j < 5; j++) unit[j] = (hfy_real)(i == j);
    got = 7;
    CHECK(hfy_sep_vjp(&sep, t, y, unit, 1, 5, &grad, NULL) == HFY_OK);
    CHECK_NEAR(got, want[i], sizeof(hfy_real) == 4 ? 32 * REAL_EPS : 1e-10);
  }
}

TEST(row_entmax_d_alpha) {
  golden_parameter(entmax(1), 1, t012_a1_0);
  golden_parameter(entmax(1.3), 1, t012_a1_3);
  golden_parameter(entmax(1.5), 1, t012_a1_5);
  golden_parameter(entmax(2), 1, t012_a2_0);
  golden_parameter(entmax(0.5), 1, t012_a0_5);
  golden_parameter(entmax(1.000001), 1, t012_a1_000001);
}

TEST(row_normmax_d_gamma) {
  golden_parameter(normmax(2), 0.4, t020_g2);
  golden_parameter(normmax(5), 0.4, t020_g5);
}

TEST(row_ksubsets_2) {
  static const double target[] = {1, 0, 0, 1, 0};
  golden(ksubsets(2), 0.7, target, t021_y, t021_omega_y, t021_conj, t021_loss, t021_vjp);
}

TEST(row_ksubsets_budgets) {
  golden_y(ksubsets(0), F2, 1, t022_k1, 5);
  golden_y(ksubsets(3), F2, 1, t022_k3, 5);
  golden_y(ksubsets(4), F2, 1, t022_k4, 5);
  golden_y(ksubsets(5), F2, 1, t022_k5, 5);
  golden_y(ksubsets(2.5), F2, 1, t022_k2_5, 5);
}

TEST(row_constrained_sparsemax) {
  static const double upper[] = {0.3, 0.3, 0.6, 0.25, 0.6}, fifth[] = {0.2, 0.2, 0.2, 0.2, 0.2};
  hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
  hfy_sep_grad grad;
  hfy_real t[5], y[5], v[5], g[5];
  double loss, du[5];
  size_t i;
  memset(&grad, 0, sizeof grad);
  sep.upper = upper;
  grad.theta = g;
  grad.upper = du;
  golden_y(sep, F2, 0.5, t023_y, 5);
  take(F2, 0.5, 5, t);
  take(V5, 1, 5, v);
  take(fifth, 1, 5, y);
  CHECK(hfy_sep_loss(&sep, t, y, 1, 5, &loss, NULL) == HFY_OK);
  CHECK_NEAR(loss, t023_loss[0], REAL_TOL(8));
  CHECK(hfy_sep_apply(&sep, t, 1, 5, y, NULL) == HFY_OK);
  CHECK(hfy_sep_vjp(&sep, t, y, v, 1, 5, &grad, NULL) == HFY_OK);
  near_row(g, t023_vjp_theta, 5, REAL_TOL(8));
  for (i = 0; i < 5; i++) CHECK_NEAR(du[i], t023_vjp_u[i], REAL_TOL(8));
}

TEST(row_constrained_sparsemax_edges) {
  static const double fifth[] = {0.2, 0.2, 0.2, 0.2, 0.2}, zeros[] = {0, 1, 1, 0.3, 1};
  hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
  sep.upper = fifth;
  golden_y(sep, F2, 1, t024_tight, 5);
  sep.upper = zeros;
  golden_y(sep, F2, 1, t024_zeros, 5);
}

TEST(row_two_bounds) {
  static const double lower[] = {0.1, 0, 0.05, 0, 0}, upper[] = {0.5, 1, 1, 0.3, 0.7};
  hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
  sep.lower = lower;
  sep.upper = upper;
  golden_y(sep, F2, 1, t025_y, 5);
}

TEST(row_argmax) {
  static const double ties[] = {1, 2, 2, 0};
  golden_y(argmax(0), ties, 1, t026_argmax, 4);
  golden_y(argmax(2), F2, 1, t026_top2, 5);
}

TEST(row_identity) { golden(sep_of(HFY_SEP_IDENTITY), 1, Y5, t027_y, t027_omega_y, t027_conj, t028_loss, t027_vjp); }
TEST(row_power) { golden(power(3), 1, Y5, t029_y, t029_omega_y, t029_conj, t030_loss, t029_vjp); }
TEST(row_exp) { golden(sep_of(HFY_SEP_EXP), 1, Y5, t031_y, t031_omega_y, t031_conj, t032_loss, t031_vjp); }

TEST(row_masked) {
  double theta[5];
  memcpy(theta, F2, sizeof theta);
  theta[0] = -HUGE_VAL;
  golden_y(sep_of(HFY_SEP_SOFTMAX), theta, 1, t033_softmax, 5);
  golden_y(sep_of(HFY_SEP_SPARSEMAX), theta, 1, t033_sparsemax, 5);
  golden_y(entmax(1.5), theta, 1, t033_e15, 5);
  golden_y(entmax(1.3), theta, 1, t033_e13, 5);
  golden_y(normmax(5), theta, 1, t033_nm5, 5);
  golden_y(ksubsets(2), theta, 1, t033_k2, 5);
}

TEST(row_huge_and_ties) {
  static const double ties[] = {3, 3, 1}, near_ties[] = {3, 3, 2.9};
  golden_y(sep_of(HFY_SEP_SPARSEMAX), F2, 1e6, t034_sparsemax, 5);
  golden_y(sep_of(HFY_SEP_SOFTMAX), F2, 1e6, t034_softmax, 5);
  golden_y(sep_of(HFY_SEP_SPARSEMAX), ties, 1, t034_tie_sp, 3);
  golden_y(entmax(1.5), ties, 1, t034_tie_15, 3);
  golden_y(normmax(2), ties, 1, t034_tie_n2, 3);
  if (sizeof(hfy_real) == 8) golden_y(entmax(2.5), near_ties, 1, t034_tie_25, 3);
}

TEST(row_margins) {
  static const double below[] = {1, 0, 0};
  hfy_real t[3], y[3];
  hfy_sep sep[4];
  const double *want[4];
  double m[4] = {10 / 3.0, 2, 1, 1};
  int i;
  sep[0] = entmax(1.3);
  want[0] = t035_e1_3;
  sep[1] = entmax(1.5);
  want[1] = t035_e1_5;
  sep[2] = sep_of(HFY_SEP_SPARSEMAX);
  want[2] = t035_sp;
  sep[3] = normmax(5);
  want[3] = t035_n5;
  for (i = 0; i < 4; i++) {
    take(below, m[i] * (1 - 1e-6), 3, t);
    CHECK(hfy_sep_apply(&sep[i], t, 1, 3, y, NULL) == HFY_OK);
    /* the weight is steep here: in float the rounding of the score itself shows */
    CHECK_NEAR(y[0], want[i][0], sizeof(hfy_real) == 8 ? (i == 3 ? 1e-10 : 1e-12) : i == 3 ? 1e-3 : REAL_EPS);
    take(below, m[i] * (1 + 1e-12), 3, t);
    if ((double)t[0] < m[i]) t[0] = (hfy_real)(m[i] * (1 + 1e-6));
    CHECK(hfy_sep_apply(&sep[i], t, 1, 3, y, NULL) == HFY_OK);
    CHECK_EQ(y[0], 1);
    CHECK_EQ(y[1], 0);
  }
}

static void digest(hfy_sep sep, double scale, const double *want) {
  enum { N = 10000 };
  static hfy_real t[N], y[N];
  double support = 0, top = 0, square = 0, moment = 0, tol = sizeof(hfy_real) == 8 ? 1e-11 : 2e-6;
  hfy_rng rng = hfy_rng_seed(2024);
  size_t i;
  for (i = 0; i < N; i++) t[i] = (hfy_real)(scale * hfy_rng_normal(&rng));
  CHECK(hfy_sep_apply(&sep, t, 1, N, y, NULL) == HFY_OK);
  for (i = 0; i < N; i++) {
    double v = (double)y[i];
    support += v > 0;
    if (v > top) top = v;
    square += v * v;
    moment += (double)(i + 1) * v / N;
  }
  CHECK_NEAR(support, want[0],
             0); /* the same in float: no score of these lies within float rounding of a threshold */
  CHECK_NEAR(top, want[1], tol);
  CHECK_NEAR(square, want[2], tol);
  CHECK_NEAR(moment, want[3], tol);
}

TEST(row_digest_softmax) { digest(sep_of(HFY_SEP_SOFTMAX), 1, t036_softmax); }
TEST(row_digest_entmax) {
  digest(entmax(1.3), 1, t036_e13);
  digest(entmax(1.5), 1, t036_e15);
  digest(entmax(4), 1, t036_e4);
}
TEST(row_digest_sparsemax) { digest(sep_of(HFY_SEP_SPARSEMAX), 1, t036_sp); }
TEST(row_digest_normmax) {
  digest(normmax(1.5), 1, t036_nm15);
  digest(normmax(2), 1, t036_nm2);
  digest(normmax(5), 1, t036_nm5);
}
TEST(row_digest_ksubsets) { digest(ksubsets(10), 1, t036_k10); }
TEST(row_digest_wide_entmax) {
  digest(entmax(1.3), 0.05, t037_e13);
  digest(entmax(1.5), 0.05, t037_e15);
}
TEST(row_digest_wide_sparsemax) { digest(sep_of(HFY_SEP_SPARSEMAX), 0.05, t037_sp); }
TEST(row_digest_wide_normmax) { digest(normmax(5), 0.05, t037_nm5); }
TEST(row_digest_wide_ksubsets) { digest(ksubsets(100), 0.05, t037_k100); }

/* --- random rows against the oracle --- */

static void random_rows(hfy_sep sep, double most) {
  static const size_t sizes[] = {1, 2, 3, 5, 17, 64, 200};
  static const double scales[] = {0.01, 0.1, 1, 3, 30, 1e4};
  static hfy_real t[4 * ROW], y[4 * ROW];
  hfy_rng rng = hfy_rng_seed(17);
  hfy_work work;
  size_t i, s;
  int j;
  memset(&work, 0, sizeof work);
  for (i = 0; i < COUNT(sizes); i++) {
    size_t n = sizes[i];
    if (is_polytope(&sep) && total_of(&sep) > (double)n) continue;
    if (sep.kind == HFY_SEP_KSUBSETS && n < 5 && total_of(&sep) > 2) continue;
    for (s = 0; s < COUNT(scales) && scales[s] <= most; s++) {
      for (j = 0; j < 4; j++) scores(&rng, j, scales[s], n, t + (size_t)j * n);
      CHECK(hfy_sep_apply(&sep, t, 4, n, y, &work) == HFY_OK);
      for (j = 0; j < 4; j++)
        check_row(&sep, t + (size_t)j * n, n, (size_t)j, y + (size_t)j * n, scales[s]);
    }
  }
  hfy_work_free(&work);
}

TEST(random_softmax) { random_rows(sep_of(HFY_SEP_SOFTMAX), 1e4); }
TEST(random_sparsemax) { random_rows(sep_of(HFY_SEP_SPARSEMAX), 1e4); }
TEST(random_entmax_below_1) {
  random_rows(entmax(0.3), 1e4);
  random_rows(entmax(0.5), 1e4);
  random_rows(entmax(0.9), 1e4);
}
TEST(random_entmax_near_1) {
  random_rows(entmax(1 - 1e-9), 1e4);
  random_rows(entmax(1), 1e4);
  random_rows(entmax(1 + 1e-9), 1e4);
  random_rows(entmax(1 + 1e-4), 1e4);
  random_rows(entmax(1.05), 1e4);
}
TEST(random_entmax_below_2) {
  random_rows(entmax(1.3), 1e4);
  random_rows(entmax(1.4999999), 1e4);
  random_rows(entmax(1.5), 1e4);
  random_rows(entmax(1.7), 1e4);
  random_rows(entmax(2 - 1e-9), 1e4);
  random_rows(entmax(2), 1e4);
}
TEST(random_entmax_above_2) {
  random_rows(entmax(2 + 1e-9), 1e4);
  random_rows(entmax(2.5), 1e4);
  random_rows(entmax(3), 1e4);
  random_rows(entmax(4), 1e4);
}
TEST(random_entmax_large) {
  random_rows(entmax(5), 1e4);
  random_rows(entmax(8), 1e4);
  random_rows(entmax(10), 1e4);
  random_rows(entmax(20), 1e4);
  random_rows(entmax(50), 1e4);
  random_rows(entmax(200), 1e4);
  random_rows(entmax(1e6), 1e4);
  random_rows(entmax(HUGE_VAL), 1e4);
}
TEST(random_normmax_near_1) {
  random_rows(normmax(1), 1e4);
  random_rows(normmax(1 + 1e-9), 1e4);
  random_rows(normmax(1.05), 1e4);
  random_rows(normmax(1.2), 1e4);
}
TEST(random_normmax) {
  random_rows(normmax(1.5), 1e4);
  random_rows(normmax(2), 1e4);
  random_rows(normmax(3), 1e4);
  random_rows(normmax(5), 1e4);
}
TEST(random_normmax_large) {
  random_rows(normmax(10), 1e4);
  random_rows(normmax(100), 1e4);
  random_rows(normmax(1e4), 1e4);
  random_rows(normmax(1e30), 1e4);
  random_rows(normmax(HUGE_VAL), 1e4);
}
TEST(random_ksubsets) {
  hfy_sep sep = ksubsets(3);
  random_rows(ksubsets(0.5), 1e4);
  random_rows(ksubsets(1), 1e4);
  random_rows(ksubsets(2), 1e4);
  random_rows(ksubsets(2.5), 1e4);
  random_rows(sep, 1e4);
  sep.rho = 0.4;
  random_rows(sep, 1e4);
  sep.rho = 7;
  random_rows(sep, 1e4);
}
TEST(random_identity) { random_rows(sep_of(HFY_SEP_IDENTITY), 1e4); }
TEST(random_power) {
  random_rows(power(1.5), 1e4);
  random_rows(power(2), 1e4);
  random_rows(power(3), 1e4);
  random_rows(power(6), 30);
}
TEST(random_rectified_and_even) {
  static const double degrees[] = {1.5, 2, 3, 6};
  size_t i;
  for (i = 0; i < 8; i++) {
    hfy_sep sep = power(degrees[i / 2]);
    sep.kind = i % 2 ? HFY_SEP_EVEN : HFY_SEP_RECTIFIED;
    random_rows(sep, i < 6 ? 1e4 : 30);
  }
}
TEST(random_exp) { random_rows(sep_of(HFY_SEP_EXP), 3); }
TEST(random_argmax) {
  random_rows(argmax(1), 1e4);
  random_rows(argmax(3), 1e4);
}
TEST(random_uniform) { random_rows(sep_of(HFY_SEP_UNIFORM), 1e4); }

/* --- what holds of every separation --- */

TEST(defaults_are_the_documented_ones) {
  static const hfy_sep zero;
  static const hfy_real t[] = {(hfy_real)0.4, 0, (hfy_real)-0.3, (hfy_real)0.1};
  hfy_sep pairs[6][2];
  size_t i;
  memset(pairs, 0, sizeof pairs);
  CHECK(zero.kind == HFY_SEP_SOFTMAX);
  pairs[0][0] = entmax(0);
  pairs[0][1] = entmax(1.5);
  pairs[1][0] = normmax(0);
  pairs[1][1] = normmax(2);
  pairs[2][0] = power(0);
  pairs[2][1] = power(3);
  pairs[3][0] = ksubsets(0);
  pairs[3][1] = ksubsets(1);
  pairs[3][1].rho = 1;
  pairs[4][0] = argmax(0);
  pairs[4][1] = argmax(1);
  pairs[5][0] = zero;
  pairs[5][1] = sep_of(HFY_SEP_SOFTMAX);
  pairs[5][1].alpha = -3; /* members that a kind does not use are ignored */
  pairs[5][1].k = -1;
  for (i = 0; i < 6; i++) {
    hfy_real a[4], b[4];
    CHECK(hfy_sep_apply(&pairs[i][0], t, 1, 4, a, NULL) == HFY_OK);
    CHECK(hfy_sep_apply(&pairs[i][1], t, 1, 4, b, NULL) == HFY_OK);
    CHECK(same_bits(a, b, sizeof a));
  }
}

TEST(order_is_kept_and_ties_are_equal) {
  hfy_sep list[64];
  hfy_real t[60], y[60];
  hfy_rng rng = hfy_rng_seed(3);
  size_t count = all_seps(list), c, i, j;
  int trial;
  for (c = 0; c < count; c++)
    for (trial = 0; trial < 6; trial++) {
      scores(&rng, trial % 2 ? SHAPE_TIES : SHAPE_NORMAL, trial < 4 ? 1 : 0.05, 60, t);
      CHECK(hfy_sep_apply(&list[c], t, 1, 60, y, NULL) == HFY_OK);
      for (i = 0; i < 60; i++)
        for (j = 0; j < 60; j++) {
          if (t[i] > t[j] && (double)y[i] < (double)y[j] * (1 - REAL_EPS))
            CHECK(y[i] >= y[j]), show(&list[c], 60, trial);
          if (list[c].kind != HFY_SEP_ARGMAX && !(t[i] > t[j]) && !(t[i] < t[j]) &&
              !same_bits(&y[i], &y[j], sizeof y[i]))
            check_report(0, __FILE__, __LINE__, "equal scores, equal weights"), show(&list[c], 60, trial);
        }
    }
}

TEST(permutation_of_scores_permutes_weights) {
  hfy_sep list[64];
  hfy_real t[50], u[50], y[50], z[50];
  hfy_rng rng = hfy_rng_seed(4);
  size_t count = all_seps(list), c, i;
  for (c = 0; c < count; c++) {
    scores(&rng, SHAPE_NORMAL, 0.5, 50, t);
    for (i = 0; i < 50; i++) u[i] = t[(i * 17 + 5) % 50];
    CHECK(hfy_sep_apply(&list[c], t, 1, 50, y, NULL) == HFY_OK);
    CHECK(hfy_sep_apply(&list[c], u, 1, 50, z, NULL) == HFY_OK);
    for (i = 0; i < 50; i++) {
      double w = (double)y[(i * 17 + 5) % 50];
      CHECK_NEAR((double)z[i] - w, 0, 2 * REAL_EPS * fabs(w) + ORACLE_TOL);
      CHECK((z[i] > 0) == (w > 0));
    }
    show(&list[c], 50, 0.5);
  }
}

TEST(shift_of_scores_changes_nothing) {
  hfy_sep list[64];
  hfy_real t[40], u[40], y[40], z[40];
  hfy_rng rng = hfy_rng_seed(5);
  size_t count = all_seps(list), c, i;
  for (c = 0; c < count; c++) {
    if (!is_polytope(&list[c])) continue;
    for (i = 0; i < 40; i++) t[i] = (hfy_real)(floor(512 * hfy_rng_normal(&rng)) / 1024);
    for (i = 0; i < 40; i++) u[i] = t[i] + 256; /* exact in float too */
    CHECK(hfy_sep_apply(&list[c], t, 1, 40, y, NULL) == HFY_OK);
    CHECK(hfy_sep_apply(&list[c], u, 1, 40, z, NULL) == HFY_OK);
    for (i = 0; i < 40; i++) CHECK_NEAR(z[i], y[i], REAL_TOL(1));
    show(&list[c], 40, 1);
  }
}

TEST(rows_of_a_batch_are_single_rows) {
  hfy_sep list[64];
  static hfy_real t[7 * 33], y[7 * 33], one[33];
  hfy_rng rng = hfy_rng_seed(6);
  size_t count = all_seps(list), c, j;
  for (c = 0; c < count; c++) {
    for (j = 0; j < 7; j++) scores(&rng, (int)j % SHAPES, j == 1 ? 0.1 : 1, 33, t + j * 33);
    CHECK(hfy_sep_apply(&list[c], t, 7, 33, y, NULL) == HFY_OK);
    for (j = 0; j < 7; j++) {
      CHECK(hfy_sep_apply(&list[c], t + j * 33, 1, 33, one, NULL) == HFY_OK);
      CHECK(same_bits(one, y + j * 33, sizeof one));
    }
    show(&list[c], 33, 1);
  }
}

/* Short rows are cut near their support before they are listed, several together; long ones are not. */
TEST(short_rows_are_long_rows_with_masks) {
  enum { MOST = 512, LONG = 700, ROWS = 7 };
  static const size_t sizes[] = {15, 16, 31, 64, 100, 129, 300, MOST};
  static const double spread[] = {1e-9, 0.02, 0.3, 1, 3, 30};
  static hfy_real theta[ROWS * MOST], y[ROWS * MOST], alone[MOST], padded[LONG], w[LONG];
  hfy_sep seps[3];
  const hfy_real zero[1] = {0};
  hfy_rng rng = hfy_rng_seed(17);
  size_t a, b, c, i, j;
  int isa;
  seps[0] = sep_of(HFY_SEP_SPARSEMAX);
  seps[1] = sep_of(HFY_SEP_ENTMAX);
  seps[2] = sep_of(HFY_SEP_NORMMAX);
  for (isa = HFY_ISA_BEST; isa <= HFY_ISA_NEON; isa++) {
    hfy_work work = {0};
    work.isa = (hfy_isa)isa;
    if (hfy_sep_apply(&seps[0], zero, 1, 1, alone, &work)) continue; /* not on this machine */
    for (a = 0; a < sizeof sizes / sizeof *sizes; a++)
      for (b = 0; b < 6; b++)
        for (c = 0; c < 3; c++) {
          const size_t n = sizes[a];
          const double far = b % 2 ? 1000 : 0, level = c == 1 ? 0.5 : 0.125;
          for (i = 0; i < ROWS * n; i++) { /* some on a grid, which meets thresholds; some masked */
            const double x = spread[b] * hfy_rng_normal(&rng);
            theta[i] = (hfy_real)(far + (i / n % 3 ? x : floor(x / level) * level));
            if (i % 11 == 3 && i % n) theta[i] = (hfy_real)-HUGE_VAL;
          }
          CHECK(hfy_sep_apply(&seps[c], theta, ROWS, n, y, &work) == HFY_OK);
          for (j = 0; j < ROWS; j++) {
            CHECK(hfy_sep_apply(&seps[c], theta + j * n, 1, n, alone, &work) == HFY_OK);
            CHECK(same_bits(alone, y + j * n, n * sizeof *alone));
            for (i = 0; i < LONG; i++) padded[i] = i < n ? theta[j * n + i] : (hfy_real)-HUGE_VAL;
            CHECK(hfy_sep_apply(&seps[c], padded, 1, LONG, w, &work) == HFY_OK);
            CHECK(same_bits(w, y + j * n, n * sizeof *w));
          }
        }
    hfy_work_free(&work);
  }
}

TEST(in_place_is_out_of_place) {
  hfy_sep list[64], more = sep_of(HFY_SEP_SPARSEMAX);
  static hfy_real t[5 * 30], y[5 * 30];
  hfy_rng rng = hfy_rng_seed(7);
  size_t count = all_seps(list), c, j;
  for (c = 0; c < 2 * count; c++) {
    hfy_sep sep = list[c % count];
    if (c >= count) sep.plus = &more;
    for (j = 0; j < 5; j++) scores(&rng, (int)j % SHAPES, 1, 30, t + j * 30);
    CHECK(hfy_sep_apply(&sep, t, 5, 30, y, NULL) == HFY_OK);
    CHECK(hfy_sep_apply(&sep, t, 5, 30, t, NULL) == HFY_OK);
    CHECK(same_bits(t, y, sizeof t));
    show(&sep, 30, 1);
  }
}

TEST(the_input_is_left_alone) {
  hfy_sep list[64];
  hfy_real t[30], before[30], y[30];
  hfy_rng rng = hfy_rng_seed(8);
  size_t count = all_seps(list), c;
  scores(&rng, SHAPE_MASKED, 1, 30, t);
  memcpy(before, t, sizeof t);
  for (c = 0; c < count; c++) CHECK(hfy_sep_apply(&list[c], t, 1, 30, y, NULL) == HFY_OK);
  CHECK(same_bits(before, t, sizeof t));
}

TEST(masked_scores_do_not_count) {
  hfy_sep list[64];
  hfy_real t[36], y[36], packed[36], z[36];
  hfy_rng rng = hfy_rng_seed(9);
  size_t count = all_seps(list), c, i, n;
  for (c = 0; c < count; c++) {
    scores(&rng, SHAPE_MASKED, 1, 36, t);
    for (n = 0, i = 0; i < 36; i++)
      if (oracle_finite(t[i])) packed[n++] = t[i];
    CHECK(hfy_sep_apply(&list[c], t, 1, 36, y, NULL) == HFY_OK);
    CHECK(hfy_sep_apply(&list[c], packed, 1, n, z, NULL) == HFY_OK);
    for (n = 0, i = 0; i < 36; i++) {
      if (oracle_finite(t[i]))
        CHECK_NEAR(y[i], z[n++], REAL_TOL(1));
      else
        CHECK_EQ(y[i], 0);
    }
    show(&list[c], 36, 1);
  }
}

TEST(one_score_gets_everything) {
  hfy_sep list[64];
  size_t count = all_seps(list), c, i;
  static const double at[] = {0, -3.25, 1e6, 1e-30};
  for (c = 0; c < count; c++) {
    if (!is_polytope(&list[c]) || total_of(&list[c]) > 1) continue;
    for (i = 0; i < COUNT(at); i++) {
      hfy_real t = (hfy_real)at[i], y = 7;
      double omega, conj;
      CHECK(hfy_sep_apply(&list[c], &t, 1, 1, &y, NULL) == HFY_OK);
      CHECK_EQ(y, total_of(&list[c]));
      CHECK(hfy_sep_value(&list[c], &y, 1, 1, &omega, NULL) == HFY_OK);
      CHECK(hfy_sep_conjugate(&list[c], &t, 1, 1, &conj, NULL) == HFY_OK);
      CHECK_NEAR(conj, (double)t * total_of(&list[c]) - omega, 1e-12);
      show(&list[c], 1, at[i]);
    }
  }
}

TEST(equal_scores_of_many_patterns_are_uniform) {
  hfy_sep list[64];
  static hfy_real t[5000], y[5000];
  size_t count = all_seps(list), c, i;
  fill(t, 5000, 0.3);
  for (c = 0; c < count; c++) {
    if (!is_polytope(&list[c]) || list[c].kind == HFY_SEP_ARGMAX) continue;
    CHECK(hfy_sep_apply(&list[c], t, 1, 5000, y, NULL) == HFY_OK);
    for (i = 0; i < 5000; i++)
      if (fabs((double)y[i] * 5000 / total_of(&list[c]) - 1) > (sizeof(hfy_real) == 4 ? REAL_EPS : 1e-12)) break;
    CHECK(i == 5000);
    show(&list[c], 5000, 0);
  }
}

/* what one weight too many gets wrong in each of them would be the best one's error */
TEST(one_score_above_many_equal_ones) {
  enum { MANY = 60000 };
  static hfy_real t[MANY], y[MANY];
  const hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
  const double gap = (double)(hfy_real)0.9;
  memset(t, 0, sizeof t);
  t[MANY / 2] = (hfy_real)gap;
  CHECK(hfy_sep_apply(&sep, t, 1, MANY, y, NULL) == HFY_OK);
  CHECK_NEAR(y[MANY / 2], gap + (1 - gap) / MANY, REAL_TOL(1));
  CHECK_NEAR(y[0] * MANY, 1 - gap, REAL_TOL(1));
}

/* --- bad input --- */

/* all five functions refuse with this status and this word in the message */
static void refuse(hfy_sep sep, size_t n, hfy_status status, const char *word, const char *value) {
  hfy_real t[] = {1, 0, (hfy_real)0.5, -1}, y[4], g[4];
  double out[4];
  hfy_sep_grad grad;
  hfy_work work;
  memset(&work, 0, sizeof work);
  memset(&grad, 0, sizeof grad);
  grad.theta = g;
  fill(y, 4, 7);
  fill(g, 4, 7);
  out[0] = 7;
  CHECK_FAILS(hfy_sep_apply(&sep, t, 1, n, y, &work), status, &work, word);
  CHECK_CONTAINS(work.message, value);
  CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, n, &grad, &work), status, &work, word);
  CHECK_FAILS(hfy_sep_value(&sep, t, 1, n, out, &work), status, &work, word);
  CHECK_FAILS(hfy_sep_conjugate(&sep, t, 1, n, out, &work), status, &work, word);
  CHECK_FAILS(hfy_sep_loss(&sep, t, t, 1, n, out, &work), status, &work, word);
  CHECK(all_are(y, 4, 7) && all_are(g, 4, 7) && all_are((hfy_real *)y, 4, 7));
  CHECK_EQ(out[0], 7);
  CHECK(hfy_sep_apply(&sep, t, 1, n, y, NULL) == status); /* without a work: the status only */
  CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
  hfy_work_free(&work);
}

TEST(alpha_out_of_range) {
  refuse(entmax(-0.5), 4, HFY_ERR_ARG, "alpha", "-0.5");
  refuse(entmax(-HUGE_VAL), 4, HFY_ERR_ARG, "alpha", "-inf");
  refuse(entmax(HUGE_VAL - HUGE_VAL), 4, HFY_ERR_ARG, "alpha", "nan");
}
TEST(gamma_out_of_range) {
  refuse(normmax(0.5), 4, HFY_ERR_ARG, "gamma", "0.5");
  refuse(normmax(-2), 4, HFY_ERR_ARG, "gamma", "-2");
  refuse(normmax(HUGE_VAL - HUGE_VAL), 4, HFY_ERR_ARG, "gamma", "nan");
}
TEST(degree_out_of_range) {
  refuse(power(1), 4, HFY_ERR_ARG, "degree", "1");
  refuse(power(0.5), 4, HFY_ERR_ARG, "degree", "0.5");
  refuse(power(-3), 4, HFY_ERR_ARG, "degree", "-3");
  refuse(power(HUGE_VAL), 4, HFY_ERR_ARG, "degree", "inf");
  refuse(power(HUGE_VAL - HUGE_VAL), 4, HFY_ERR_ARG, "degree", "nan");
}
TEST(k_out_of_range) {
  refuse(ksubsets(-1), 4, HFY_ERR_ARG, "k is -1", "");
  refuse(ksubsets(HUGE_VAL), 4, HFY_ERR_ARG, "k is inf", "");
  refuse(ksubsets(HUGE_VAL - HUGE_VAL), 4, HFY_ERR_ARG, "k is nan", "");
  refuse(argmax(-1), 4, HFY_ERR_ARG, "k is -1", "");
  refuse(argmax(1.5), 4, HFY_ERR_ARG, "k is 1.5", "");
}
TEST(k_above_n) {
  hfy_sep list[2];
  static const hfy_real t[] = {1, 0, 3, -1};
  hfy_real y[4];
  hfy_work work;
  size_t c;
  memset(&work, 0, sizeof work);
  list[0] = ksubsets(4.5);
  list[1] = argmax(5);
  for (c = 0; c < 2; c++) {
    fill(y, 4, 7);
    CHECK_FAILS(hfy_sep_apply(&list[c], t, 1, 4, y, &work), HFY_ERR_ARG, &work, "k is");
    CHECK(all_are(y, 4, 7));
  }
  hfy_work_free(&work);
}
TEST(rho_out_of_range) {
  hfy_sep sep = ksubsets(2);
  sep.rho = -1;
  refuse(sep, 4, HFY_ERR_ARG, "rho", "-1");
  sep.rho = HUGE_VAL;
  refuse(sep, 4, HFY_ERR_ARG, "rho", "inf");
  sep.rho = HUGE_VAL - HUGE_VAL;
  refuse(sep, 4, HFY_ERR_ARG, "rho", "nan");
}
TEST(kind_out_of_range) {
  hfy_sep sep = sep_of(HFY_SEP_SOFTMAX);
  unsigned wrong = 99;
  memcpy(&sep.kind, &wrong, sizeof wrong);
  refuse(sep, 4, HFY_ERR_ARG, "kind", "99");
}
TEST(bounds_out_of_range) {
  static const double low[] = {0, 0.75, 0, 0}, high[] = {1, 0.5, 1, 1};
  double with_nan[] = {1, HUGE_VAL - HUGE_VAL, 1, 1};
  hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
  sep.lower = low;
  sep.upper = high;
  refuse(sep, 4, HFY_ERR_ARG, "lower", "0.75");
  sep.lower = NULL;
  sep.upper = with_nan;
  refuse(sep, 4, HFY_ERR_ARG, "upper", "nan");
  sep.upper = NULL;
  sep.lower = with_nan;
  refuse(sep, 4, HFY_ERR_ARG, "lower", "nan");
  sep.lower = NULL;
  sep.upper = high;
  sep.bound_stride = 3;
  refuse(sep, 4, HFY_ERR_ARG, "bound_stride", "3");
  {
    hfy_real t[1] = {0};
    hfy_work work = {0};
    sep.bound_stride = 16;
    CHECK_FAILS(hfy_sep_apply(&sep, t, SIZE_MAX / 64, 1, t, &work), HFY_ERR_ARG, &work, "rows of it cannot exist");
  }
}
TEST(a_bad_second_separation_is_refused) {
  hfy_sep sep = sep_of(HFY_SEP_SOFTMAX), second = entmax(-2);
  static const hfy_real t[] = {1, 0};
  hfy_real y[2];
  hfy_work work;
  memset(&work, 0, sizeof work);
  sep.plus = &second;
  fill(y, 2, 7);
  CHECK_FAILS(hfy_sep_apply(&sep, t, 1, 2, y, &work), HFY_ERR_ARG, &work, "alpha");
  CHECK(all_are(y, 2, 7));
  hfy_work_free(&work);
}

TEST(null_and_empty) {
  hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
  hfy_real t[] = {1, 0}, y[] = {7, 7};
  double out = 7;
  hfy_sep_grad grad;
  hfy_work work;
  memset(&work, 0, sizeof work);
  memset(&grad, 0, sizeof grad);
  grad.theta = y;
  CHECK_FAILS(hfy_sep_apply(NULL, t, 1, 2, y, &work), HFY_ERR_ARG, &work, "sep");
  CHECK_FAILS(hfy_sep_apply(&sep, NULL, 1, 2, y, &work), HFY_ERR_ARG, &work, "theta");
  CHECK_FAILS(hfy_sep_apply(&sep, t, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "y");
  CHECK_FAILS(hfy_sep_apply(&sep, t, 1, 0, y, &work), HFY_ERR_ARG, &work, "n is 0");
  CHECK_FAILS(hfy_sep_vjp(&sep, t, NULL, t, 1, 2, &grad, &work), HFY_ERR_ARG, &work, "y");
  CHECK_FAILS(hfy_sep_vjp(&sep, t, t, NULL, 1, 2, &grad, &work), HFY_ERR_ARG, &work, "dy");
  CHECK_FAILS(hfy_sep_vjp(&sep, t, t, t, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "grad");
  CHECK_FAILS(hfy_sep_value(&sep, NULL, 1, 2, &out, &work), HFY_ERR_ARG, &work, "y");
  CHECK_FAILS(hfy_sep_value(&sep, t, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "omega");
  CHECK_FAILS(hfy_sep_conjugate(&sep, NULL, 1, 2, &out, &work), HFY_ERR_ARG, &work, "theta");
  CHECK_FAILS(hfy_sep_conjugate(&sep, t, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "omega_star");
  CHECK_FAILS(hfy_sep_loss(&sep, t, NULL, 1, 2, &out, &work), HFY_ERR_ARG, &work, "y");
  CHECK_FAILS(hfy_sep_loss(&sep, t, t, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "loss");
  CHECK_FAILS(hfy_sep_value(&sep, t, 1, 0, &out, &work), HFY_ERR_ARG, &work, "n is 0");
  CHECK_FAILS(hfy_sep_apply(&sep, t, SIZE_MAX / 2, 2, y, &work), HFY_ERR_ARG, &work, "rows");
  CHECK(all_are(y, 2, 7));
  CHECK_EQ(out, 7);
  CHECK(hfy_sep_apply(&sep, t, 0, 2, y, &work) == HFY_OK); /* no rows: nothing to do */
  CHECK(hfy_sep_apply(&sep, NULL, 0, 2, NULL, &work) == HFY_OK);
  CHECK(all_are(y, 2, 7));
  hfy_work_free(&work);
}

TEST(vjp_theta_that_is_read) {
  hfy_sep list[4];
  hfy_real y[] = {1, 0}, g[] = {7, 7};
  hfy_sep_grad grad;
  hfy_work work;
  size_t c;
  memset(&work, 0, sizeof work);
  memset(&grad, 0, sizeof grad);
  grad.theta = g;
  list[0] = power(3);
  list[1] = sep_of(HFY_SEP_IDENTITY);
  list[2] = normmax(100.5);
  list[3] = normmax(1e300);
  for (c = 0; c < 4; c++)
    CHECK_FAILS(hfy_sep_vjp(&list[c], NULL, y, y, 1, 2, &grad, &work), HFY_ERR_ARG, &work, "theta");
  CHECK(all_are(g, 2, 7));
  hfy_work_free(&work);
}

TEST(vjp_parameters_a_kind_has_not) {
  hfy_real t[] = {1, 0}, y[] = {1, 0}, g[] = {7, 7};
  double out[2];
  hfy_sep sep = sep_of(HFY_SEP_SOFTMAX);
  hfy_sep_grad grad;
  hfy_work work;
  memset(&work, 0, sizeof work);
  memset(&grad, 0, sizeof grad);
  out[0] = out[1] = 7;
  grad.theta = g;
  grad.alpha = out;
  CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "alpha");
  sep = entmax(HUGE_VAL);
  CHECK(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work) == HFY_ERR_UNSUPPORTED);
  grad.alpha = NULL;
  grad.gamma = out;
  CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "gamma");
  sep = normmax(1);
  CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "gamma");
  sep = normmax(HUGE_VAL);
  CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "gamma");
  grad.gamma = NULL;
  grad.upper = out;
  sep = sep_of(HFY_SEP_SOFTMAX);
  CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "upper");
  grad.upper = NULL;
  grad.lower = out;
  CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "lower");
  CHECK(all_are(g, 2, 7));
  CHECK_EQ(out[0], 7);
  hfy_work_free(&work);
}

/* NaN, +infinity, all masked, too many masked: that row is untouched, the others are right, the first status returns */
TEST(bad_rows_among_good_ones) {
  enum { N = 6, ROWS = 6 };
  hfy_sep list[64];
  hfy_rng rng = hfy_rng_seed(120);
  size_t count = all_seps(list), c, i, j;
  for (c = 0; c < count; c++) {
    hfy_real t[ROWS * N], y[ROWS * N], one[N], inf = (hfy_real)HUGE_VAL;
    double conj[ROWS], single;
    hfy_work work;
    memset(&work, 0, sizeof work);
    for (j = 0; j < ROWS; j++) scores(&rng, SHAPE_NORMAL, 1, N, t + j * N);
    t[1 * N + 2] = inf - inf;
    t[2 * N + 5] = inf;
    for (i = 0; i < N; i++) t[4 * N + i] = -inf;
    fill(y, ROWS * N, 7);
    for (j = 0; j < ROWS; j++) conj[j] = 7;
    CHECK_FAILS(hfy_sep_apply(&list[c], t, ROWS, N, y, &work), HFY_ERR_NONFINITE, &work, "row 1");
    CHECK_CONTAINS(work.message, "entry 2 is nan");
    CHECK(hfy_sep_conjugate(&list[c], t, ROWS, N, conj, &work) == HFY_ERR_NONFINITE);
    for (j = 0; j < ROWS; j++) {
      if (j == 1 || j == 2 || j == 4) {
        CHECK(all_are(y + j * N, N, 7));
        CHECK_EQ(conj[j], 7);
        continue;
      }
      CHECK(hfy_sep_apply(&list[c], t + j * N, 1, N, one, NULL) == HFY_OK);
      CHECK(same_bits(one, y + j * N, sizeof one));
      CHECK(hfy_sep_conjugate(&list[c], t + j * N, 1, N, &single, NULL) == HFY_OK);
      CHECK_EQ(conj[j], single);
    }
    CHECK_FAILS(hfy_sep_apply(&list[c], t + 2 * N, 3, N, y, &work), HFY_ERR_NONFINITE, &work, "entry 5 is inf");
    CHECK_FAILS(hfy_sep_apply(&list[c], t + 3 * N, 3, N, y, &work), HFY_ERR_ARG, &work, "mask");
    show(&list[c], N, 1);
    hfy_work_free(&work);
  }
}

TEST(k_above_the_unmasked) {
  hfy_sep list[2];
  hfy_real inf = (hfy_real)HUGE_VAL, t[8], y[8];
  hfy_work work;
  size_t c, i;
  memset(&work, 0, sizeof work);
  list[0] = ksubsets(2.5);
  list[1] = argmax(3);
  for (c = 0; c < 2; c++) {
    for (i = 0; i < 8; i++) t[i] = (hfy_real)i;
    t[0] = t[3] = -inf;
    fill(y, 8, 7);
    CHECK_FAILS(hfy_sep_apply(&list[c], t, 2, 4, y, &work), HFY_ERR_ARG, &work, "row 0");
    CHECK(all_are(y, 4, 7));
    CHECK_NEAR((double)y[4] + (double)y[5] + (double)y[6] + (double)y[7], list[c].k, REAL_TOL(2));
  }
  hfy_work_free(&work);
}

TEST(weights_beyond_the_range) {
  hfy_sep list[2];
  hfy_real t[6], y[6];
  hfy_work work;
  size_t c;
  memset(&work, 0, sizeof work);
  list[0] = sep_of(HFY_SEP_EXP);
  list[1] = power(9);
  for (c = 0; c < 2; c++) {
    t[0] = 1;
    t[1] = 2;
    t[2] = 0;
    t[4] = 1;
    t[5] = 1;
    t[3] = (hfy_real)(c ? 1e35 : sizeof(hfy_real) == 8 ? 709.9 : 88.8);
    if (c && sizeof(hfy_real) == 8) t[3] = (hfy_real)1e200;
    fill(y, 6, 7);
    CHECK(hfy_sep_apply(&list[c], t, 2, 3, y, &work) == HFY_ERR_UNSUPPORTED);
    CHECK(work.message[0] != 0);
    CHECK(all_are(y + 3, 3, 7));
    CHECK_NEAR(y[1], c ? 256 : exp(2.0), REAL_TOL(4));
  }
  hfy_work_free(&work);
}

TEST(value_of_nan_is_refused) {
  hfy_sep list[64];
  size_t count = all_seps(list), c;
  hfy_real inf = (hfy_real)HUGE_VAL, y[] = {1, 0, 0, 0, 0, 0};
  double omega[2];
  y[4] = inf - inf;
  for (c = 0; c < count; c++) {
    if (list[c].kind == HFY_SEP_KSUBSETS || list[c].kind == HFY_SEP_ARGMAX) continue;
    omega[0] = omega[1] = 7;
    CHECK(hfy_sep_value(&list[c], y, 2, 3, omega, NULL) == HFY_ERR_NONFINITE);
    CHECK_EQ(omega[1], 7);
    CHECK(list[c].kind == HFY_SEP_UNIFORM || (omega[0] < 7 && omega[0] > -7));
    show(&list[c], 3, 1);
  }
}

TEST(nan_cotangents_are_carried_through) {
  hfy_sep sep = sep_of(HFY_SEP_SOFTMAX);
  hfy_real inf = (hfy_real)HUGE_VAL, t[] = {1, 0, 0, 1, 0, 0}, y[6], v[] = {1, 0, 0, 1, 0, 0}, g[6];
  hfy_sep_grad grad;
  memset(&grad, 0, sizeof grad);
  grad.theta = g;
  v[1] = inf - inf;
  CHECK(hfy_sep_apply(&sep, t, 2, 3, y, NULL) == HFY_OK);
  CHECK(hfy_sep_vjp(&sep, t, y, v, 2, 3, &grad, NULL) == HFY_OK);
  CHECK(g[0] != g[0] || g[1] != g[1]);
  CHECK(oracle_finite(g[3]) && oracle_finite(g[4]) && oracle_finite(g[5]));
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(row_softmax);
  RUN(row_softmax_is_entmax_1);
  RUN(row_entmax_1_3);
  RUN(row_entmax_1_5);
  RUN(row_sparsemax);
  RUN(row_sparsemax_is_entmax_2);
  RUN(row_entmax_2_5);
  RUN(row_entmax_4);
  RUN(row_entmax_0_5);
  RUN(row_normmax_1_5);
  RUN(row_normmax_1_5_wide);
  RUN(row_normmax_2);
  RUN(row_normmax_2_wide);
  RUN(row_normmax_5);
  RUN(row_normmax_5_wide);
  RUN(row_entmax_limits);
  RUN(row_normmax_limits);
  RUN(row_entmax_d_alpha);
  RUN(row_normmax_d_gamma);
  RUN(row_ksubsets_2);
  RUN(row_ksubsets_budgets);
  RUN(row_constrained_sparsemax);
  RUN(row_constrained_sparsemax_edges);
  RUN(row_two_bounds);
  RUN(row_argmax);
  RUN(row_identity);
  RUN(row_power);
  RUN(row_exp);
  RUN(row_masked);
  RUN(row_huge_and_ties);
  RUN(row_margins);
  RUN(row_digest_softmax);
  RUN(row_digest_entmax);
  RUN(row_digest_sparsemax);
  RUN(row_digest_normmax);
  RUN(row_digest_ksubsets);
  RUN(row_digest_wide_entmax);
  RUN(row_digest_wide_sparsemax);
  RUN(row_digest_wide_normmax);
  RUN(row_digest_wide_ksubsets);
  RUN(random_softmax);
  RUN(random_sparsemax);
  RUN(random_entmax_below_1);
  RUN(random_entmax_near_1);
  RUN(random_entmax_below_2);
  RUN(random_entmax_above_2);
  RUN(random_entmax_large);
  RUN(random_normmax_near_1);
  RUN(random_normmax);
  RUN(random_normmax_large);
  RUN(random_ksubsets);
  RUN(random_identity);
  RUN(random_power);
  RUN(random_rectified_and_even);
  RUN(random_exp);
  RUN(random_argmax);
  RUN(random_uniform);
  RUN(defaults_are_the_documented_ones);
  RUN(order_is_kept_and_ties_are_equal);
  RUN(permutation_of_scores_permutes_weights);
  RUN(shift_of_scores_changes_nothing);
  RUN(rows_of_a_batch_are_single_rows);
  RUN(short_rows_are_long_rows_with_masks);
  RUN(in_place_is_out_of_place);
  RUN(the_input_is_left_alone);
  RUN(masked_scores_do_not_count);
  RUN(one_score_gets_everything);
  RUN(equal_scores_of_many_patterns_are_uniform);
  RUN(one_score_above_many_equal_ones);
  RUN(alpha_out_of_range);
  RUN(gamma_out_of_range);
  RUN(degree_out_of_range);
  RUN(k_out_of_range);
  RUN(k_above_n);
  RUN(rho_out_of_range);
  RUN(kind_out_of_range);
  RUN(bounds_out_of_range);
  RUN(a_bad_second_separation_is_refused);
  RUN(null_and_empty);
  RUN(vjp_theta_that_is_read);
  RUN(vjp_parameters_a_kind_has_not);
  RUN(bad_rows_among_good_ones);
  RUN(k_above_the_unmasked);
  RUN(weights_beyond_the_range);
  RUN(value_of_nan_is_refused);
  RUN(nan_cotangents_are_carried_through);
  return CHECK_END();
}
