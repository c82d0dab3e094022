/* test_sep_losses.c: margins, values, conjugates and losses of separations: the identities of Fenchel-Young losses,
   sums of two, parameters near their limits. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "seps.h"

#include <time.h>

/* --- margins --- */

TEST(margin_values) {
  static const double upper[] = {1, 1};
  hfy_sep sep = ksubsets(2), soft = sep_of(HFY_SEP_SOFTMAX), sparse = sep_of(HFY_SEP_SPARSEMAX);
  CHECK_EQ(hfy_sep_margin(&sparse), 1);
  sparse.plus = &sparse; /* a ring ends */
  CHECK_EQ(hfy_sep_margin(&sparse), HUGE_VAL);
  sparse.plus = NULL;
  CHECK_EQ(hfy_sep_margin(&soft), HUGE_VAL);
  soft = entmax(1.5);
  CHECK_EQ(hfy_sep_margin(&soft), 2);
  soft = entmax(0);
  CHECK_EQ(hfy_sep_margin(&soft), 2);
  soft = entmax(4);
  CHECK_NEAR(hfy_sep_margin(&soft), 1 / 3.0, 1e-15);
  soft = entmax(1);
  CHECK_EQ(hfy_sep_margin(&soft), HUGE_VAL);
  soft = entmax(0.5);
  CHECK_EQ(hfy_sep_margin(&soft), HUGE_VAL);
  soft = entmax(HUGE_VAL);
  CHECK_EQ(hfy_sep_margin(&soft), 0);
  soft = normmax(1.1);
  CHECK_EQ(hfy_sep_margin(&soft), 1);
  soft = normmax(HUGE_VAL);
  CHECK_EQ(hfy_sep_margin(&soft), 1);
  soft = normmax(1);
  CHECK_EQ(hfy_sep_margin(&soft), 0);
  CHECK_EQ(hfy_sep_margin(&sep), 1);
  sep.rho = 0.25;
  CHECK_EQ(hfy_sep_margin(&sep), 0.25);
  sep.upper = upper;
  CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
  sparse.upper = upper;
  CHECK_EQ(hfy_sep_margin(&sparse), HUGE_VAL);
  sep = argmax(3);
  CHECK_EQ(hfy_sep_margin(&sep), 0);
  sep = sep_of(HFY_SEP_IDENTITY);
  CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
  sep = power(3);
  CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
  sep = sep_of(HFY_SEP_EXP);
  CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
  sep = sep_of(HFY_SEP_UNIFORM);
  CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
  sep = entmax(-1);
  CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
  sep = normmax(0.5);
  CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
  CHECK_EQ(hfy_sep_margin(NULL), HUGE_VAL);
}

TEST(margin_of_a_sum_is_the_larger) {
  hfy_sep first = entmax(1.5), second = sep_of(HFY_SEP_SPARSEMAX);
  first.plus = &second;
  CHECK_EQ(hfy_sep_margin(&first), 2);
  second.plus = NULL;
  first = sep_of(HFY_SEP_SPARSEMAX);
  second = entmax(1.25);
  first.plus = &second;
  CHECK_EQ(hfy_sep_margin(&first), 4);
  second = sep_of(HFY_SEP_SOFTMAX);
  CHECK_EQ(hfy_sep_margin(&first), HUGE_VAL);
}

/* One-hot (the k best for k-subsets) exactly from a gap of the margin on, and not much below it. */
TEST(vertices_from_the_margin_on) {
  hfy_sep list[64];
  hfy_rng rng = hfy_rng_seed(10);
  size_t count = all_seps(list), c, i, j;
  int trial;
  for (c = 0; c < count; c++) {
    double m = hfy_sep_margin(&list[c]), k = total_of(&list[c]);
    size_t best = (size_t)k;
    if (!(m < 1e300) || (double)best < k || list[c].kind == HFY_SEP_UNIFORM) continue;
    for (trial = 0; trial < 200; trial++) {
      hfy_real t[12], y[12], level = (hfy_real)(hfy_rng_normal(&rng) * (trial % 4 == 3 ? 100 : 1));
      double want, gap;
      size_t where = (size_t)(hfy_rng_u64(&rng) % 12), high = 0;
      for (i = 0; i < 12; i++) t[i] = level - (hfy_real)(trial % 2 ? hfy_rng_uniform(&rng) : 0);
      t[(where + 6) % 12] = level;
      for (i = 0; i < best; i++) {
        hfy_real v = (hfy_real)((double)level + m);
        while ((double)v - (double)level < m)
          v = v + (hfy_real)(REAL_EPS * (fabs((double)v) > m ? fabs((double)v) : m));
        t[(where + i) % 12] = v + (hfy_real)(trial % 3 == 2 ? hfy_rng_uniform(&rng) : 0);
      }
      if (m <= 0 && list[c].kind != HFY_SEP_ARGMAX) { /* ties share: a gap of 0 is none */
        for (i = 0; i < 12; i++)
          if (i != where && t[i] >= t[where]) t[i] = level - 1;
      }
      CHECK(hfy_sep_apply(&list[c], t, 1, 12, y, NULL) == HFY_OK);
      for (i = 0; i < 12; i++) {
        int on = 0;
        for (j = 0; j < best; j++) on |= i == (where + j) % 12;
        if (m <= 0 && list[c].kind == HFY_SEP_ARGMAX) on = y[i] > 0;
        want = on;
        if ((double)y[i] < want || (double)y[i] > want) CHECK_EQ(y[i], want), show(&list[c], 12, trial);
        high += y[i] > 0;
      }
      CHECK(high == best);
      if (m < 64 * REAL_EPS * (1 + fabs((double)level))) continue; /* no score lies that near */
      gap = m * 0.98;
      for (i = 0; i < 12; i++) t[i] = level - 5;
      t[(where + 6) % 12] = level;
      for (i = 0; i < best; i++) t[(where + i) % 12] = (hfy_real)((double)level + gap);
      CHECK(hfy_sep_apply(&list[c], t, 1, 12, y, NULL) == HFY_OK);
      CHECK((list[c].alpha > 0 && list[c].alpha < 1.1) || (list[c].gamma > 0 && list[c].gamma < 1.01) ||
            y[(where + 6) % 12] > 0); /* (0.02)^(1/a) may be tiny */
      CHECK(list[c].kind == HFY_SEP_NORMMAX && list[c].gamma < 1.2 ? 1 : y[where] < 1 || list[c].alpha < 1.3);
      show(&list[c], 12, trial);
    }
  }
}

/* --- alpha: continuous, and right where the field's package is not --- */

TEST(alpha_is_continuous_across_1_and_1_5_and_2) {
  static const double at[] = {1, 1.5, 2}, steps[] = {1e-13, 1e-11, 1e-9, 1e-7, 1e-5, 1e-3};
  hfy_real t[40], y[40], z[40];
  hfy_rng rng = hfy_rng_seed(11);
  size_t a, s, i;
  int side, trial;
  for (trial = 0; trial < 5; trial++) {
    scores(&rng, SHAPE_NORMAL, trial < 3 ? 1 : 0.1, 40, t);
    for (a = 0; a < 3; a++)
      for (s = 0; s < COUNT(steps); s++)
        for (side = -1; side <= 1; side += 2) {
          hfy_sep middle = entmax(at[a]), near = entmax(at[a] + side * steps[s]);
          CHECK(hfy_sep_apply(&middle, t, 1, 40, y, NULL) == HFY_OK);
          CHECK(hfy_sep_apply(&near, t, 1, 40, z, NULL) == HFY_OK);
          for (i = 0; i < 40; i++) CHECK_NEAR(z[i], y[i], 2 * steps[s] + REAL_TOL(1));
        }
  }
}

TEST(gamma_is_continuous_across_2) {
  static const double steps[] = {1e-12, 1e-9, 1e-6, 1e-4};
  hfy_real t[40], y[40], z[40];
  hfy_rng rng = hfy_rng_seed(12);
  size_t s, i;
  for (s = 0; s < COUNT(steps); s++) {
    hfy_sep middle = normmax(2), below = normmax(2 - steps[s]), above = normmax(2 + steps[s]);
    scores(&rng, SHAPE_NORMAL, 0.3, 40, t);
    CHECK(hfy_sep_apply(&middle, t, 1, 40, y, NULL) == HFY_OK);
    CHECK(hfy_sep_apply(&below, t, 1, 40, z, NULL) == HFY_OK);
    for (i = 0; i < 40; i++) CHECK_NEAR(z[i], y[i], 2 * steps[s] + REAL_TOL(1));
    CHECK(hfy_sep_apply(&above, t, 1, 40, z, NULL) == HFY_OK);
    for (i = 0; i < 40; i++) CHECK_NEAR(z[i], y[i], 2 * steps[s] + REAL_TOL(1));
  }
}

TEST(alpha_from_5_on_is_exact) {
  static const double large[] = {5, 6, 8, 10, 16, 32, 50, 200, 1000};
  hfy_real t[30], y[30];
  hfy_rng rng = hfy_rng_seed(13);
  size_t a;
  int trial;
  for (a = 0; a < COUNT(large); a++)
    for (trial = 0; trial < 20; trial++) {
      hfy_sep sep = entmax(large[a]);
      scores(&rng, trial % 4, trial < 10 ? 1 : 0.02, 30, t);
      CHECK(hfy_sep_apply(&sep, t, 1, 30, y, NULL) == HFY_OK);
      check_row(&sep, t, 30, 0, y, trial);
    }
}

/* One score d above m equal ones: y_1^a - u^a = a d and y_1 + m u = 1, a = alpha - 1; u^a may be no number any more.
   Near alpha = 2 a compiler that fuses a d - a d must not find a remainder. */
TEST(one_score_above_equal_ones) {
  static const double large[] = {2.01, 2.1, 2.5, 3, 4, 10, 50, 200, 1000, 1e6};
  static const double shares[] = {1e-4, 0.003, 0.01, 0.0303, 0.3, 0.7, 0.99};
  static const size_t equals[] = {1, 2, 10, 40};
  hfy_real t[41], y[41];
  size_t a, b, m, i;
  for (a = 0; a < COUNT(large); a++)
    for (b = 0; b < COUNT(shares); b++)
      for (m = 0; m < COUNT(equals); m++) {
        hfy_sep sep = entmax(large[a]);
        fill(t, 41, 0);
        t[equals[m] / 2] = (hfy_real)(shares[b] / (large[a] - 1));
        CHECK(hfy_sep_apply(&sep, t, 1, equals[m] + 1, y, NULL) == HFY_OK);
        check_row(&sep, t, equals[m] + 1, 0, y, shares[b]);
        for (i = 0; i <= equals[m]; i++) CHECK(y[i] > 0);
      }
}

/* Large scores with small differences: in float the gaps are multiples of 1/16, so answers are far from one-hot. */
TEST(scores_near_a_million_keep_their_gaps) {
  hfy_sep list[64];
  hfy_real t[40], y[40];
  hfy_rng rng = hfy_rng_seed(14);
  size_t count = all_seps(list), c, i;
  for (c = 0; c < count; c++) {
    if (!is_polytope(&list[c])) continue;
    for (i = 0; i < 40; i++) t[i] = (hfy_real)(1e6 + floor(hfy_rng_uniform(&rng) * 24) / 16);
    CHECK(hfy_sep_apply(&list[c], t, 1, 40, y, NULL) == HFY_OK);
    check_row(&list[c], t, 40, 0, y, 1e6);
    for (i = 0; i < 40; i++) t[i] = (hfy_real)(1e6 * hfy_rng_normal(&rng));
    CHECK(hfy_sep_apply(&list[c], t, 1, 40, y, NULL) == HFY_OK);
    check_row(&list[c], t, 40, 0, y, 1e6);
  }
}

TEST(scores_at_the_ends_of_the_range) {
  hfy_sep list[64];
  size_t count = all_seps(list), c;
  hfy_real big = (hfy_real)(sizeof(hfy_real) == 8 ? 1e308 : 3e38), t[4], y[4];
  for (c = 0; c < count; c++) {
    if (!is_simplex(&list[c])) continue;
    t[0] = -big;
    t[1] = big;
    t[2] = 0;
    t[3] = big / 2;
    CHECK(hfy_sep_apply(&list[c], t, 1, 4, y, NULL) == HFY_OK);
    if (list[c].kind == HFY_SEP_UNIFORM) continue;
    CHECK_EQ(y[1], 1);
    CHECK_NEAR(y[0], 0, 1e-9);
    CHECK_NEAR(y[2], 0, 1e-9);
    CHECK_NEAR(y[3], 0, 1e-9);
    t[1] = -big;
    t[2] = -big;
    t[3] = -big;
    CHECK(hfy_sep_apply(&list[c], t, 1, 4, y, NULL) == HFY_OK);
    CHECK_NEAR(y[0], 0.25, REAL_TOL(1));
    CHECK_NEAR(y[3], 0.25, REAL_TOL(1));
    show(&list[c], 4, 1e308);
  }
}

/* --- Fenchel-Young identities --- */

/* a random point of dom(Omega) */
static void domain_point(hfy_rng *rng, const hfy_sep *sep, size_t n, hfy_real *y) {
  hfy_sep inside = *sep;
  hfy_real t[ROW];
  size_t i;
  scores(rng, SHAPE_NORMAL, 1, n, t);
  if (sep->kind == HFY_SEP_ARGMAX) inside = ksubsets(sep->k);
  if (is_simplex(sep)) inside = hfy_rng_uniform(rng) < 0.5 ? sep_of(HFY_SEP_SOFTMAX) : sep_of(HFY_SEP_SPARSEMAX);
  if (hfy_sep_apply(&inside, t, 1, n, y, NULL)) check_report(0, __FILE__, __LINE__, "a point of the domain");
  if (sep->kind == HFY_SEP_EXP)
    for (i = 0; i < n; i++)
      if (hfy_rng_uniform(rng) < 0.2) y[i] = 0;
}

TEST(value_agrees_with_its_formula) {
  hfy_sep list[64];
  hfy_rng rng = hfy_rng_seed(20);
  size_t count = all_seps(list), c, trial;
  for (c = 0; c < count; c++)
    for (trial = 0; trial < 20; trial++) {
      hfy_real y[50];
      wide w[50];
      double got = 7, want, sum = 0;
      size_t n = 5 + trial * 2, i;
      if (list[c].kind == HFY_SEP_UNIFORM) continue;
      domain_point(&rng, &list[c], n, y);
      CHECK(hfy_sep_value(&list[c], y, 1, n, &got, NULL) == HFY_OK);
      widen(y, n, w);
      for (i = 0; i < n; i++) sum += (double)y[i];
      want = (double)oracle_omega(&list[c], w, n);
      /* |y|^2/2 - 1/2 and (|y|^2 - sum y)/2 differ by what rounding leaves of sum y - 1 */
      CHECK_NEAR(got, want, ORACLE_TOL + ((list[c].kind == HFY_SEP_ENTMAX && list[c].alpha >= 2) ||
                                              (list[c].kind == HFY_SEP_NORMMAX && list[c].gamma <= 1)
                                              ? fabs(sum - 1) : 0));
      show(&list[c], n, (double)trial);
    }
}

TEST(values_of_small_weights) {
  static const double bends[] = {0.01, 0.3, 0.5, 0.9, 1.5};
  const double least = sizeof(hfy_real) == 4 ? -37 : -300;
  size_t i;
  double down, got;
  for (i = 0; i < COUNT(bends); i++)
    for (down = -7; down > least; down -= 5) { /* of {y, 1}: (y^alpha - y) / (alpha (alpha - 1)) */
      const hfy_sep sep = entmax(bends[i]);
      const hfy_real y[2] = {(hfy_real)pow(10, down), 1};
      const double want = (pow((double)y[0], bends[i]) - (double)y[0]) / (bends[i] * (bends[i] - 1));
      CHECK(hfy_sep_value(&sep, y, 1, 2, &got, NULL) == HFY_OK);
      CHECK_NEAR(got / want, 1, 4 * ORACLE_TOL);
    }
  { /* a budget that float cannot hold: the prediction of two is in their domain all the same */
    const hfy_real theta[3] = {(hfy_real)0.5, (hfy_real)0.5, 1};
    hfy_sep both = ksubsets(DBL_MIN);
    const hfy_sep second = both;
    hfy_real y[3];
    both.plus = &second;
    CHECK(hfy_sep_apply(&both, theta, 1, 3, y, NULL) == HFY_OK);
    CHECK(hfy_sep_value(&both, y, 1, 3, &got, NULL) == HFY_OK && fabs(got) < 1e-30);
  }
}

TEST(value_outside_the_domain_is_infinite) {
  static const hfy_real halves[] = {(hfy_real)0.5, 0, (hfy_real)0.5, 0}, thirds[] = {(hfy_real)0.25, 0, (hfy_real)0.75, 0};
  static const hfy_real sum2[] = {1, 1, 0, 0}, negative[] = {1, (hfy_real)-0.25, (hfy_real)0.25, 0};
  static const hfy_real short_of_1[] = {(hfy_real)0.5, (hfy_real)0.49, 0, 0},
                        above[] = {(hfy_real)1.5, (hfy_real)0.5, 0, 0};
  static const double upper[] = {0.25, 1, 1, 1}, lower[] = {0, 0.25, 0, 0};
  hfy_sep list[64], sep;
  size_t count = all_seps(list), c;
  double got;
  for (c = 0; c < count; c++) {
    if (is_simplex(&list[c]) && list[c].kind != HFY_SEP_UNIFORM) {
      CHECK(hfy_sep_value(&list[c], sum2, 1, 4, &got, NULL) == HFY_OK);
      CHECK_EQ(got, HUGE_VAL);
      CHECK(hfy_sep_value(&list[c], short_of_1, 1, 4, &got, NULL) == HFY_OK);
      CHECK_EQ(got, HUGE_VAL);
      CHECK(hfy_sep_value(&list[c], negative, 1, 4, &got, NULL) == HFY_OK);
      CHECK_EQ(got, HUGE_VAL);
    }
    show(&list[c], 4, 0);
  }
  sep = ksubsets(2);
  CHECK(hfy_sep_value(&sep, sum2, 1, 4, &got, NULL) == HFY_OK);
  CHECK_EQ(got, 1);
  CHECK(hfy_sep_value(&sep, above, 1, 4, &got, NULL) == HFY_OK);
  CHECK_EQ(got, HUGE_VAL);
  sep = sep_of(HFY_SEP_UNIFORM); /* any patterns, the same weight on each */
  CHECK(hfy_sep_value(&sep, halves, 1, 4, &got, NULL) == HFY_OK);
  CHECK_EQ(got, 0);
  CHECK(hfy_sep_value(&sep, thirds, 1, 4, &got, NULL) == HFY_OK);
  CHECK_EQ(got, HUGE_VAL);
  sep = sep_of(HFY_SEP_EXP);
  CHECK(hfy_sep_value(&sep, negative, 1, 4, &got, NULL) == HFY_OK);
  CHECK_EQ(got, HUGE_VAL);
  sep = sep_of(HFY_SEP_SPARSEMAX);
  sep.upper = upper;
  CHECK(hfy_sep_value(&sep, short_of_1, 1, 4, &got, NULL) == HFY_OK);
  CHECK_EQ(got, HUGE_VAL);
  {
    static const hfy_real ok[] = {(hfy_real)0.25, (hfy_real)0.25, (hfy_real)0.5, 0},
                          low[] = {(hfy_real)0.25, 0, (hfy_real)0.75, 0};
    CHECK(hfy_sep_value(&sep, ok, 1, 4, &got, NULL) == HFY_OK);
    CHECK_NEAR(got, 0.1875, 1e-15); /* with bounds: 1/2 |y|^2 */
    sep.lower = lower;
    CHECK(hfy_sep_value(&sep, ok, 1, 4, &got, NULL) == HFY_OK);
    CHECK_NEAR(got, 0.1875, 1e-15);
    CHECK(hfy_sep_value(&sep, low, 1, 4, &got, NULL) == HFY_OK);
    CHECK_EQ(got, HUGE_VAL);
  }
}

TEST(conjugate_agrees_with_its_definition) {
  hfy_sep list[64];
  hfy_rng rng = hfy_rng_seed(21);
  size_t count = all_seps(list), c;
  int trial;
  for (c = 0; c < count; c++)
    for (trial = 0; trial < 16; trial++) {
      hfy_real t[40];
      wide w[40];
      double got = 7;
      scores(&rng, trial % 4, trial < 4 ? 0.1 : trial < 12 ? 1 : 3, 40, t);
      widen(t, 40, w);
      CHECK(hfy_sep_conjugate(&list[c], t, 1, 40, &got, NULL) == HFY_OK);
      CHECK_NEAR(got, (double)oracle_conjugate(&list[c], w, 40, 0),
                 4 * ORACLE_TOL); /* in double even for float */
      show(&list[c], 40, trial);
    }
}

/* Omega*(theta) >= theta.y - Omega(y) for every y, with equality at the prediction */
TEST(conjugate_is_the_maximum) {
  hfy_sep list[64];
  hfy_rng rng = hfy_rng_seed(22);
  size_t count = all_seps(list), c, trial;
  for (c = 0; c < count; c++)
    for (trial = 0; trial < 40; trial++) {
      hfy_real t[20], y[20];
      double conj, omega, dot = 0;
      size_t i;
      if (list[c].kind == HFY_SEP_UNIFORM) continue;
      scores(&rng, SHAPE_NORMAL, trial < 20 ? 1 : 0.1, 20, t);
      domain_point(&rng, &list[c], 20, y);
      CHECK(hfy_sep_conjugate(&list[c], t, 1, 20, &conj, NULL) == HFY_OK);
      CHECK(hfy_sep_value(&list[c], y, 1, 20, &omega, NULL) == HFY_OK);
      for (i = 0; i < 20; i++) dot += (double)t[i] * (double)y[i];
      if (sizeof(hfy_real) == 8) CHECK(omega + conj - dot >= -1e-12 * (1 + fabs(dot)));
      if (sizeof(hfy_real) == 4)
        CHECK(omega + conj - dot >= -20 * REAL_EPS * (1 + fabs(dot))); /* sum y is rounded */
      show(&list[c], 20, (double)trial);
    }
}

TEST(loss_is_not_negative_and_agrees) {
  hfy_sep list[64];
  hfy_rng rng = hfy_rng_seed(23);
  size_t count = all_seps(list), c, trial, i;
  for (c = 0; c < count; c++)
    for (trial = 0; trial < 40; trial++) {
      hfy_real t[24], y[24];
      wide wt[24], wy[24], want, sum = 0;
      double got = -7;
      if (list[c].kind == HFY_SEP_UNIFORM) continue;
      scores(&rng, SHAPE_NORMAL, trial < 20 ? 1 : 0.2, 24, t);
      domain_point(&rng, &list[c], 24, y);
      widen(t, 24, wt);
      widen(y, 24, wy);
      CHECK(hfy_sep_loss(&list[c], t, y, 1, 24, &got, NULL) == HFY_OK);
      CHECK(got >= 0);
      want = oracle_omega(&list[c], wy, 24) + oracle_conjugate(&list[c], wt, 24, 0);
      for (i = 0; i < 24; i++) {
        want -= wt[i] * wy[i];
        sum += wy[i];
      }
      if (is_polytope(
              &list[c])) { /* judged relative to the largest score: the rounding of sum y does not count */
        for (i = 0; i < 24; i++) want += 0;
        want += oracle_top(wt, 24) * (sum - (wide)total_of(&list[c]));
      }
      if (want < 0) want = 0;
      CHECK_NEAR(got, (double)want, sizeof(hfy_real) == 4 ? 8 * REAL_EPS : 4 * ORACLE_TOL);
      show(&list[c], 24, (double)trial);
    }
}

TEST(loss_is_exactly_0_at_the_prediction) {
  hfy_sep list[64];
  hfy_rng rng = hfy_rng_seed(24);
  size_t count = all_seps(list), c;
  static const double scales[] = {0.05, 1, 3, 1e3, 1e6};
  int trial;
  for (c = 0; c < count; c++)
    for (trial = 0; trial < 20; trial++) {
      hfy_real t[33], y[33];
      double got = -7, scale = scales[trial % 5];
      if (list[c].kind == HFY_SEP_EXP && scale > 3) continue;
      if (list[c].kind == HFY_SEP_POWER && scale > 1e3) continue;
      scores(&rng, trial % 4, scale, 33, t);
      CHECK(hfy_sep_apply(&list[c], t, 1, 33, y, NULL) == HFY_OK);
      CHECK(hfy_sep_loss(&list[c], t, y, 1, 33, &got, NULL) == HFY_OK);
      CHECK_EQ(got, 0);
      show(&list[c], 33, scale);
    }
}

TEST(loss_has_the_gradient_prediction_minus_target) {
  hfy_sep list[64];
  hfy_rng rng = hfy_rng_seed(25);
  size_t count = all_seps(list), c, i;
  for (c = 0; c < count; c++) {
    hfy_real t[8], y[8], p[8], keep;
    double h = sizeof(hfy_real) == 8 ? 1e-5 : 1.0 / 256, above, below;
    if (list[c].kind == HFY_SEP_ARGMAX || list[c].kind == HFY_SEP_UNIFORM || list[c].alpha > 8 || list[c].gamma > 8)
      continue;
    if (sizeof(hfy_real) == 4 && (list[c].kind == HFY_SEP_EXP || list[c].kind == HFY_SEP_POWER))
      continue; /* curved */
    scores(&rng, SHAPE_NORMAL, 0.3, 8, t);
    domain_point(&rng, &list[c], 8, y);
    CHECK(hfy_sep_apply(&list[c], t, 1, 8, p, NULL) == HFY_OK);
    for (i = 0; i < 8; i++) {
      double up, down;
      keep = t[i];
      t[i] = (hfy_real)((double)keep + h);
      up = (double)t[i];
      CHECK(hfy_sep_loss(&list[c], t, y, 1, 8, &above, NULL) == HFY_OK);
      t[i] = (hfy_real)((double)keep - h);
      down = (double)t[i];
      CHECK(hfy_sep_loss(&list[c], t, y, 1, 8, &below, NULL) == HFY_OK);
      t[i] = keep;
      CHECK_NEAR((above - below) / (up - down), (double)p[i] - (double)y[i], sizeof(hfy_real) == 8 ? 2e-5 : 1e-2);
    }
    show(&list[c], 8, 0.3);
  }
}

TEST(loss_outside_the_domain_is_infinite) {
  const hfy_real t[] = {1, 0, -1, (hfy_real)-HUGE_VAL};
  static const hfy_real sum2[] = {1, 1, 0, 0}, on_masked[] = {(hfy_real)0.5, 0, 0, (hfy_real)0.5};
  hfy_sep list[64];
  size_t count = all_seps(list), c;
  double got;
  for (c = 0; c < count; c++) {
    if (!is_simplex(&list[c]) || list[c].kind == HFY_SEP_UNIFORM) continue;
    CHECK(hfy_sep_loss(&list[c], t, sum2, 1, 4, &got, NULL) == HFY_OK);
    CHECK_EQ(got, HUGE_VAL);
    CHECK(hfy_sep_loss(&list[c], t, on_masked, 1, 4, &got, NULL) == HFY_OK);
    CHECK_EQ(got, HUGE_VAL);
    show(&list[c], 4, 1);
  }
}

TEST(loss_of_large_scores_does_not_cancel) {
  hfy_sep list[64];
  size_t count = all_seps(list), c, i;
  hfy_rng rng = hfy_rng_seed(26);
  for (c = 0; c < count; c++) {
    hfy_real t[10], u[10], y[10];
    double low, high;
    if (!is_polytope(&list[c]) || list[c].kind == HFY_SEP_UNIFORM) continue;
    for (i = 0; i < 10; i++) {
      t[i] = (hfy_real)(floor(hfy_rng_normal(&rng) * 16) / 16);
      u[i] = t[i] + 524288;
    }
    domain_point(&rng, &list[c], 10, y);
    CHECK(hfy_sep_loss(&list[c], t, y, 1, 10, &low, NULL) == HFY_OK);
    CHECK(hfy_sep_loss(&list[c], u, y, 1, 10, &high, NULL) == HFY_OK);
    CHECK_NEAR(high, low, sizeof(hfy_real) == 4 ? REAL_EPS : 1e-12);
    show(&list[c], 10, 1);
  }
}

/* --- sums of two --- */

TEST(plus_adds_predictions_and_conjugates) {
  hfy_sep list[64];
  hfy_real t[20], a[20], b[20], c[20];
  hfy_rng rng = hfy_rng_seed(110);
  size_t count = all_seps(list), i, j;
  for (i = 0; i < count; i++) {
    hfy_sep second = list[(i * 7 + 3) % count], both = list[i];
    double first_conj, second_conj, conj;
    both.plus = &second;
    scores(&rng, SHAPE_NORMAL, 1, 20, t);
    CHECK(hfy_sep_apply(&list[i], t, 1, 20, a, NULL) == HFY_OK);
    CHECK(hfy_sep_apply(&second, t, 1, 20, b, NULL) == HFY_OK);
    CHECK(hfy_sep_apply(&both, t, 1, 20, c, NULL) == HFY_OK);
    for (j = 0; j < 20; j++) CHECK_NEAR(c[j], (double)a[j] + (double)b[j], REAL_TOL(1));
    CHECK(hfy_sep_conjugate(&list[i], t, 1, 20, &first_conj, NULL) == HFY_OK);
    CHECK(hfy_sep_conjugate(&second, t, 1, 20, &second_conj, NULL) == HFY_OK);
    CHECK(hfy_sep_conjugate(&both, t, 1, 20, &conj, NULL) == HFY_OK);
    CHECK_NEAR(conj, first_conj + second_conj, 1e-14);
    show(&both, 20, 1);
  }
}

/* Is there a value of their sum? */
static int splits(const hfy_sep *one, const hfy_sep *two) {
  double g = oracle_or(one->gamma, 2), h = oracle_or(two->gamma, 2);
  if (one->kind == HFY_SEP_NORMMAX && g > 1e5) return 0;
  if (two->kind == HFY_SEP_NORMMAX && h > 1e5) return 0;
  return !(one->kind == HFY_SEP_NORMMAX && two->kind == HFY_SEP_NORMMAX && g > 1 && h > 1);
}

/* all_seps, and bounds */
static double sum_lower[2][9], sum_upper[2][9];
static size_t links(hfy_rng *rng, int which, size_t n, hfy_sep *list) {
  size_t count = all_seps(list);
  bounds(rng, n, 1, sum_lower[which], sum_upper[which]);
  list[count] = sep_of(HFY_SEP_SPARSEMAX);
  list[count + 1] = ksubsets(1);
  list[count].upper = list[count + 1].upper = sum_upper[which];
  list[count].lower = sum_lower[which];
  return count + 2;
}

/* Every pair (in one precision or the other) at one of three scales, so that each way meets each scale (neighbours in
   alpha, gamma, k take the same ways), at
   its own prediction y of theta: Omega(y) = theta.y - Omega*(theta) (the dual is attained there), the loss is 0 to the
   bit; and against other scores the loss is Omega + Omega* - theta.y. */
TEST(plus_value_and_loss_of_every_pair) {
  enum { N = 7 };
  static const double scales[] = {0.2, 1, 4};
  hfy_sep one[64], two[64];
  hfy_rng rng = hfy_rng_seed(111);
  hfy_work work;
  size_t i, j, k, c, count = links(&rng, 0, N, one), compared = 0, refused = 0;
  memset(&work, 0, sizeof work);
  links(&rng, 1, N, two);
  for (i = 0; i < count; i++)
    for (j = 0; j < count; j++)
      for (c = (i + j) % 3; c < 3 && MINE(i + j); c += 3) {
        hfy_sep both = one[i];
        hfy_real t[N], y[N];
        double omega = 7, star, loss = 7, along = 0, size = 1, tol = REAL_TOL(64);
        both.plus = &two[j];
        scores(&rng, c == 1 ? SHAPE_TIES : SHAPE_NORMAL, scales[c], N, t);
        if (hfy_sep_apply(&both, t, 1, N, y, &work) || hfy_sep_conjugate(&both, t, 1, N, &star, &work)) {
          CHECK(0);
          continue;
        }
        CHECK(hfy_sep_loss(&both, t, y, 1, N, &loss, &work) == HFY_OK);
        CHECK_EQ(loss, 0);
        if (!splits(&one[i], &two[j])) {
          refused++;
          CHECK_FAILS(hfy_sep_value(&both, y, 1, N, &omega, &work), HFY_ERR_UNSUPPORTED, &work, "NORMMAX");
          CHECK_EQ(omega, 7);
          y[0] += (hfy_real)0.25;
          loss = 7;
          CHECK_FAILS(hfy_sep_loss(&both, t, y, 1, N, &loss, &work), HFY_ERR_UNSUPPORTED, &work, "NORMMAX");
          CHECK_EQ(loss, 7);
          continue;
        }
        CHECK(hfy_sep_value(&both, y, 1, N, &omega, &work) == HFY_OK);
        for (k = 0; k < N; k++) {
          along += (double)t[k] * (double)y[k];
          size += fabs((double)t[k] * (double)y[k]);
        }
        CHECK_NEAR(omega / (size + fabs(star)), (along - star) / (size + fabs(star)), tol);
        for (k = 0; k < N; k++) t[k] += (hfy_real)(0.5 * scales[c] * hfy_rng_normal(&rng));
        CHECK(hfy_sep_conjugate(&both, t, 1, N, &star, &work) == HFY_OK);
        CHECK(hfy_sep_loss(&both, t, y, 1, N, &loss, &work) == HFY_OK);
        for (along = 0, k = 0; k < N; k++) along += (double)t[k] * (double)y[k];
        size += fabs(star) + fabs(omega) + fabs(along);
        CHECK(loss >= 0);
        CHECK_NEAR(loss / size, (omega + star - along) / size, tol);
        show(&one[i], N, scales[c]);
        show(&two[j], N, scales[c]);
        compared++;
      }
  CHECK(compared > 2 * refused && refused > 100 / SHARES && compared + refused >= count * count / SHARES - count);
  hfy_work_free(&work);
}

/* --- margins, losses and sums over the whole range of scores, rho and k --- */

/* What hfy_sep_margin says of k: for whole k and for k below 1 a gap that is enough and no less is; in between two. */
TEST(margins_of_any_k) {
  static const double ks[] = {1e-300, 1e-5, 0.25, 0.5, 1, 2, 3}, fractions[] = {0.125, 0.25, 0.5, 0.875};
  hfy_sep sep = ksubsets(1), sum = sep_of(HFY_SEP_SPARSEMAX);
  hfy_real t[5], y[5];
  size_t i, j, k;
  for (j = 0; j < sizeof ks / sizeof *ks; j++) {
    double rho = 0.5, m;
    sep.k = ks[j];
    sep.rho = rho;
    m = hfy_sep_margin(&sep);
    CHECK_EQ(m, ks[j] < 1 ? rho * ks[j] : rho);
    if (!((double)(hfy_real)ks[j] > 0) || ks[j] < 1e-30) continue;
    k = ks[j] < 1 ? 1 : (size_t)ks[j];
    for (i = 0; i < 5; i++) t[i] = i < k ? (hfy_real)(m * (1 + REAL_EPS)) : 0; /* rounds to m or just above */
    CHECK(!hfy_sep_apply(&sep, t, 1, 5, y, NULL));
    for (i = 0; i < 5; i++) CHECK_EQ(y[i], i < k ? (double)(hfy_real)(ks[j] < 1 ? ks[j] : 1) : 0);
    for (i = 0; i < k; i++) t[i] = (hfy_real)(m * 0.99);
    CHECK(!hfy_sep_apply(&sep, t, 1, 5, y, NULL) && y[4] > 0);
  }
  for (j = 0; j < sizeof fractions / sizeof *fractions; j++) { /* 1, 1, f, 0, 0 from gaps of rho (1-f) and rho f on */
    double f = fractions[j], rho = 0.5;
    int less;
    sep.k = 2 + f;
    sep.rho = rho;
    CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
    for (less = 0; less < 3; less++) {
      t[3] = t[4] = 0;
      t[2] = (hfy_real)(rho * f * (less == 1 ? 0.99 : 1));
      t[0] = t[1] = (hfy_real)((double)t[2] + rho * (1 - f) * (less == 2 ? 0.99 : 1));
      CHECK(!hfy_sep_apply(&sep, t, 1, 5, y, NULL));
      CHECK((y[0] >= 1 && y[1] >= 1 && !(y[3] > 0) && !(y[4] > 0)) == !less);
      if (!less) CHECK_NEAR(y[2], f, REAL_EPS);
    }
  }
  sum.plus = &sep; /* sparsemax and fractional k: none */
  CHECK_EQ(hfy_sep_margin(&sum), HUGE_VAL);
  sep.k = 0.25;
  CHECK_EQ(hfy_sep_margin(&sum), 1);
}

/* Values and losses keep their digits beside large scores: the entries above the edge have weight 1 in both. */
TEST(losses_beside_large_scores) {
  static const double k_of[3] = {1, 2, 2.5};
  size_t i;
  for (i = 0; i < 3; i++) {
    hfy_sep sep = ksubsets(1 + k_of[i]), few = ksubsets(k_of[i]), top = argmax(3), less = argmax(2);
    hfy_real t[6] = {(hfy_real)1e30, (hfy_real)0.5, (hfy_real)0.25, (hfy_real)0.125, 0, (hfy_real)-1e30};
    hfy_real y[6] = {1, 1, 0, 0, 0, 0};
    double a = 0, b = 0;
    if (i) y[2] = 1;
    if (i > 1) y[4] = (hfy_real)0.5;
    CHECK(!hfy_sep_loss(&sep, t, y, 1, 6, &a, NULL) && !hfy_sep_loss(&few, t + 1, y + 1, 1, 4, &b, NULL));
    CHECK(b > 1e-3);
    CHECK_NEAR(a, b, 8 * REAL_EPS);
    if (i > 1) continue;
    y[1] = 0;
    y[2] = y[3] = 1;
    CHECK(!hfy_sep_loss(&top, t, y, 1, 6, &a, NULL) && !hfy_sep_loss(&less, t + 1, y + 1, 1, 4, &b, NULL));
    CHECK_NEAR(a, 0.375, 1e-15);
    CHECK_NEAR(b, 0.375, 1e-15);
  }
}

/* one + two at the split a of y, in long double; a huge number outside the domain */
static wide split_cost(const hfy_sep *one, const hfy_sep *two, const hfy_real *y, const wide *a, size_t n) {
  wide rest[9], cost;
  size_t i;
  for (i = 0; i < n; i++) rest[i] = (wide)y[i] - a[i];
  cost = oracle_omega(one, a, n);
  return cost + oracle_omega(two, rest, n); /* one call a sum: tcc loses the first of two */
}

static int has_budget(const hfy_sep *sep) {
  return sep->kind != HFY_SEP_IDENTITY && sep->kind != HFY_SEP_POWER && sep->kind != HFY_SEP_EXP &&
         sep->kind != HFY_SEP_RECTIFIED;
}
static wide least(const hfy_sep *sep, size_t i) {
  if (sep->kind == HFY_SEP_IDENTITY || sep->kind == HFY_SEP_POWER) return -1e4;
  return sep->lower ? sep->lower[i] : sep->kind == HFY_SEP_UNIFORM ? 0.5L : 0;
}
static wide most(const hfy_sep *sep, size_t i) {
  if (!has_budget(sep)) return 1e4;
  return sep->upper ? sep->upper[i] : sep->kind == HFY_SEP_UNIFORM ? 0.5L : 1;
}

/* Two patterns, so that a sum of fixed budgets has one free number (none: two searches of one number each): golden
   section over all splits of points of the domain that are nobody's prediction, vertices among them. */
TEST(plus_value_by_brute_force) {
  enum { N = 2 };
  hfy_sep one[64], two[64];
  hfy_rng rng = hfy_rng_seed(112);
  size_t i, j, k, count = links(&rng, 0, N, one), compared = 0;
  int trial;
  links(&rng, 1, N, two);
  for (i = 0; i < count; i++)
    for (j = 0; j < count; j++)
      for (trial = 0; trial < 2 && MINE(i + j); trial++) { /* near, far */
        const hfy_sep *first = has_budget(&one[i]) ? &one[i] : &two[j];
        const hfy_sep *second = has_budget(&one[i]) ? &two[j] : &one[i];
        hfy_sep both = one[i];
        hfy_real t[N], a[N], b[N], y[N];
        double omega;
        wide want = 0, bound;
        size_t dim;
        both.plus = &two[j];
        if (!splits(&one[i], &two[j])) continue;
        if (total_of(&one[i]) > N || total_of(&two[j]) > N) continue;
        for (k = 0; k < N; k++) t[k] = (hfy_real)((trial == 1 ? 40 : 0.7) * hfy_rng_normal(&rng));
        if (trial == 1 && !(is_polytope(first) && is_polytope(second))) continue;
        if (hfy_sep_apply(first, t, 1, N, a, NULL)) continue;
        for (k = 0; k < N; k++) t[k] = (hfy_real)((trial == 1 ? 40 : 0.7) * hfy_rng_normal(&rng));
        if (hfy_sep_apply(second, t, 1, N, b, NULL)) continue;
        for (k = 0; k < N; k++) y[k] = a[k] + b[k];
        CHECK(hfy_sep_value(&both, y, 1, N, &omega, NULL) == HFY_OK);
        for (dim = 0; dim < (has_budget(first) ? 1u : (unsigned)N); dim++) {
          const wide ratio = 0.6180339887498948482L;
          wide low = -1e4, high = 1e4, p, q, fp, fq, x[N];
          size_t from = has_budget(first) ? 0 : dim, to = has_budget(first) ? N : dim + 1, len = to - from;
          int round;
          for (k = from; k < to; k++) { /* the second weight is budget - x */
            wide lo = least(first, k), hi = most(first, k), lo2 = -most(second, k) + (wide)y[k],
                 hi2 = -least(second, k) + (wide)y[k], budget = total_of(first); /* tcc takes y - f() for f() - y */
            if (lo2 > lo) lo = lo2;
            if (hi2 < hi) hi = hi2;
            if (k > from) {
              p = lo;
              lo = budget - hi;
              hi = budget - p;
            }
            if (lo > low) low = lo;
            if (hi < high) high = hi;
          }
          if (low > high) low = high = (low + high) / 2; /* one point, but for rounding */
          for (round = 0; round < 90; round++) {
            p = high - ratio * (high - low);
            q = low + ratio * (high - low);
            x[0] = p;
            x[1] = total_of(first) - p;
            fp = split_cost(first, second, y + from, x, len);
            x[0] = q;
            x[1] = total_of(first) - q;
            fq = split_cost(first, second, y + from, x, len);
            if (fp < fq)
              high = q;
            else
              low = p;
          }
          if (fp < fq) fq = fp;
          want += fq;
        }
        bound = 1 + fabsl(want);
        CHECK_NEAR(omega / (double)bound, (double)(want / bound), REAL_TOL(64) + 1e-11);
        show(&one[i], N, trial);
        show(&two[j], N, trial);
        compared++;
      }
  CHECK(compared > 2000 / SHARES);
}

/* closed forms */
TEST(plus_values_in_closed_form) {
  enum { N = 4 };
  static const double p[N] = {0.5, 0.25, 0.125, 0.125};
  hfy_sep list[64], second;
  size_t count = all_seps(list), i, k;
  hfy_real y[N];
  double omega, alone, want = 0;
  for (i = 0; i < count; i++) { /* twice the same: 2 Omega(y/2) */
    hfy_sep both = list[i];
    hfy_real half[N];
    second = list[i];
    both.plus = &second;
    if (!splits(&both, &second)) continue;
    for (k = 0; k < N; k++) {
      half[k] = (hfy_real)(both.kind == HFY_SEP_UNIFORM ? 0.25 : p[k] * total_of(&both));
      y[k] = 2 * half[k];
    }
    if (total_of(&both) > 2) continue;
    CHECK(hfy_sep_value(&both, y, 1, N, &omega, NULL) == HFY_OK);
    CHECK(hfy_sep_value(&second, half, 1, N, &alone, NULL) == HFY_OK);
    CHECK_NEAR(omega, 2 * alone, REAL_TOL(4));
    show(&both, N, 1);
  }
  for (k = 0; k < N; k++) {
    y[k] = (hfy_real)(p[k] + 0.25);
    want += p[k] * log(p[k]);
  }
  {
    hfy_sep both = sep_of(HFY_SEP_UNIFORM);
    second = sep_of(HFY_SEP_SOFTMAX);
    both.plus = &second;
    CHECK(hfy_sep_value(&both, y, 1, N, &omega, NULL) == HFY_OK);
    CHECK_NEAR(omega, want, REAL_TOL(8));
    y[0] = (hfy_real)0.125; /* below 1/4: not in the domain */
    y[1] = 1;
    CHECK(hfy_sep_value(&both, y, 1, N, &omega, NULL) == HFY_OK);
    CHECK_EQ(omega, HUGE_VAL);
    /* Moreau envelope of the simplex: y = (2, 0, 0, 0) projects onto e_1, at distance 1 */
    both = sep_of(HFY_SEP_IDENTITY);
    second = argmax(1);
    both.plus = &second;
    fill(y, N, 0);
    y[0] = 2;
    CHECK(hfy_sep_value(&both, y, 1, N, &omega, NULL) == HFY_OK);
    CHECK_NEAR(omega, 0.5, 1e-15);
  }
}

TEST(plus_loss_has_the_gradient_prediction_minus_target) {
  enum { N = 6 };
  hfy_sep one[64], two[64];
  hfy_rng rng = hfy_rng_seed(113);
  size_t i, k, count = links(&rng, 0, N, one), compared = 0;
  links(&rng, 1, N, two);
  if (sizeof(hfy_real) < sizeof(double)) return; /* differences need the digits */
  for (i = 0; i < count; i++) {
    size_t j = (i * 11 + 5) % count;
    hfy_sep both = one[i];
    hfy_real t[N], a[N], b[N], y[N], moved[N], far[N];
    double up, down, here, there;
    both.plus = &two[j];
    if (!splits(&one[i], &two[j])) continue;
    scores(&rng, SHAPE_NORMAL, 1, N, t);
    CHECK(hfy_sep_apply(&one[i], t, 1, N, a, NULL) == HFY_OK);
    scores(&rng, SHAPE_NORMAL, 1, N, t);
    CHECK(hfy_sep_apply(&two[j], t, 1, N, b, NULL) == HFY_OK);
    scores(&rng, SHAPE_NORMAL, 1, N, t);
    for (k = 0; k < N; k++) {
      y[k] = a[k] + b[k];
      far[k] = t[k] + 1048576;
    }
    CHECK(hfy_sep_apply(&both, t, 1, N, a, NULL) == HFY_OK);
    for (k = 0; k < N; k++) {
      memcpy(moved, t, sizeof t);
      moved[k] = t[k] + (hfy_real)1e-5;
      CHECK(hfy_sep_loss(&both, moved, y, 1, N, &up, NULL) == HFY_OK);
      moved[k] = t[k] - (hfy_real)1e-5;
      CHECK(hfy_sep_loss(&both, moved, y, 1, N, &down, NULL) == HFY_OK);
      if (up > 1e6) continue;
      if (one[i].kind != HFY_SEP_ARGMAX && two[j].kind != HFY_SEP_ARGMAX)
        CHECK_NEAR((up - down) / 2e-5, (double)a[k] - (double)y[k], 2e-5); /* kinks of second order */
      compared++;
    }
    show(&one[i], N, 1);
    show(&two[j], N, 1);
    if (!has_budget(&one[i]) || !has_budget(&two[j])) continue; /* scores in the millions do not cancel */
    CHECK(hfy_sep_loss(&both, t, y, 1, N, &here, NULL) == HFY_OK);
    CHECK(hfy_sep_loss(&both, far, y, 1, N, &there, NULL) == HFY_OK);
    CHECK_NEAR(there, here, 1e-8);
  }
  CHECK(compared > 200);
}

/* F = max(x, 0)^3 by hand, and x^2, the slope of x^3/3, which is not convex: there is no Omega. */
TEST(rectified_and_even_by_hand) {
  const hfy_real t[] = {2, -3, (hfy_real)0.5, (hfy_real)-HUGE_VAL};
  static const hfy_real target[] = {1, 0, 0, 0}, bad[] = {1, -1, 0, 0};
  static const hfy_real v[] = {1, 10, 100, 1000};
  hfy_sep sep = sep_of(HFY_SEP_RECTIFIED), more = sep_of(HFY_SEP_EVEN);
  hfy_real y[4], g[4];
  hfy_sep_grad grad;
  hfy_work work;
  double value;
  memset(&work, 0, sizeof work), memset(&grad, 0, sizeof grad);
  grad.theta = g;
  CHECK(hfy_sep_apply(&sep, t, 1, 4, y, NULL) == HFY_OK);
  CHECK(y[0] == 4 && y[1] == 0 && !signbit(y[1]) && y[2] == (hfy_real)0.25 && y[3] == 0);
  CHECK(hfy_sep_conjugate(&sep, t, 1, 4, &value, NULL) == HFY_OK);
  CHECK_NEAR(value, (8 + 0.125) / 3, 1e-14);
  CHECK(hfy_sep_value(&sep, y, 1, 4, &value, NULL) == HFY_OK);
  CHECK_NEAR(value, (8 + 0.125) / 1.5, 1e-14);
  CHECK(hfy_sep_loss(&sep, t, y, 1, 4, &value, NULL) == HFY_OK && value == 0);
  CHECK(hfy_sep_loss(&sep, t, target, 1, 4, &value, NULL) == HFY_OK);
  CHECK_NEAR(value, 1 / 1.5 + (8 + 0.125) / 3 - 2, 1e-14);
  CHECK(hfy_sep_loss(&sep, t, bad, 1, 4, &value, NULL) == HFY_OK && value > DBL_MAX);
  CHECK(hfy_sep_value(&sep, bad, 1, 4, &value, NULL) == HFY_OK && value > DBL_MAX);
  CHECK(hfy_sep_vjp(&sep, t, y, v, 1, 4, &grad, NULL) == HFY_OK);
  CHECK(g[0] == 4 && g[1] == 0 && g[2] == 100 && g[3] == 0);
  CHECK(hfy_sep_apply(&more, t, 1, 4, y, NULL) == HFY_OK);
  CHECK(y[0] == 4 && y[1] == 9 && y[2] == (hfy_real)0.25 && y[3] == 0);
  CHECK(hfy_sep_vjp(&more, t, y, v, 1, 4, &grad, NULL) == HFY_OK);
  CHECK(g[0] == 4 && g[1] == -60 && g[2] == 100 && g[3] == 0);
  CHECK(hfy_sep_conjugate(&more, t, 1, 4, &value, NULL) == HFY_OK);
  CHECK_NEAR(value, (8 - 27 + 0.125) / 3, 1e-14);
  CHECK_FAILS(hfy_sep_value(&more, y, 1, 4, &value, &work), HFY_ERR_UNSUPPORTED, &work, "EVEN");
  CHECK_FAILS(hfy_sep_loss(&more, t, y, 1, 4, &value, &work), HFY_ERR_UNSUPPORTED, &work, "EVEN");
  sep.plus = &more;
  CHECK_FAILS(hfy_sep_loss(&sep, t, y, 1, 4, &value, &work), HFY_ERR_UNSUPPORTED, &work, "EVEN");
  sep.plus = NULL;
  sep.degree = 1;
  CHECK_FAILS(hfy_sep_apply(&sep, t, 1, 4, y, &work), HFY_ERR_ARG, &work, "degree");
  more.degree = HUGE_VAL;
  CHECK_FAILS(hfy_sep_apply(&more, t, 1, 4, y, &work), HFY_ERR_ARG, &work, "degree");
  more.kind = (hfy_sep_kind)(HFY_SEP_EVEN + 1), more.degree = 0;
  CHECK_FAILS(hfy_sep_apply(&more, t, 1, 4, y, &work), HFY_ERR_ARG, &work, "kind");
  sep.degree = sizeof(hfy_real) == 8 ? 1200 : 200; /* only a score above 0 can be too large for rectified powers */
  g[0] = -50, g[1] = (hfy_real)0.5;
  CHECK(hfy_sep_apply(&sep, g, 1, 2, y, &work) == HFY_OK && y[0] == 0);
  g[0] = 50;
  CHECK_FAILS(hfy_sep_apply(&sep, g, 1, 2, y, &work), HFY_ERR_UNSUPPORTED, &work, "range");
  hfy_work_free(&work);
}

TEST(plus_outside_the_domain_and_masked) {
  const hfy_real t[] = {0, 1, (hfy_real)-HUGE_VAL}, inside[] = {1, 1, 0}, wrong_sum[] = {1, (hfy_real)1.5, 0},
                        negative[] = {(hfy_real)2.5, (hfy_real)-0.5, 0},
                        masked[] = {1, (hfy_real)0.75, (hfy_real)0.25};
  hfy_sep second = sep_of(HFY_SEP_SOFTMAX), both = sep_of(HFY_SEP_SPARSEMAX);
  hfy_real y[3];
  double out;
  hfy_work work;
  memset(&work, 0, sizeof work);
  both.plus = &second;
  CHECK(hfy_sep_value(&both, wrong_sum, 1, 3, &out, &work) == HFY_OK && out > DBL_MAX);
  CHECK(hfy_sep_value(&both, negative, 1, 3, &out, &work) == HFY_OK && out > DBL_MAX);
  CHECK(hfy_sep_loss(&both, t, inside, 1, 3, &out, &work) == HFY_OK && out > 0.1 && out < 10);
  CHECK(hfy_sep_loss(&both, t, wrong_sum, 1, 3, &out, &work) == HFY_OK && out > DBL_MAX);
  CHECK(hfy_sep_loss(&both, t, masked, 1, 3, &out, &work) == HFY_OK && out > DBL_MAX);
  y[0] = y[1] = 1; /* however little */
  y[2] = (hfy_real)1e-9;
  CHECK(hfy_sep_loss(&both, t, y, 1, 3, &out, &work) == HFY_OK && out > DBL_MAX);
  fill(y, 3, HUGE_VAL - HUGE_VAL);
  out = 7;
  CHECK_FAILS(hfy_sep_value(&both, y, 1, 3, &out, &work), HFY_ERR_NONFINITE, &work, "row 0");
  CHECK_FAILS(hfy_sep_loss(&both, t, y, 1, 3, &out, &work), HFY_ERR_NONFINITE, &work, "row 0");
  CHECK_EQ(out, 7);
  fill(y, 3, HUGE_VAL);
  CHECK(hfy_sep_value(&both, y, 1, 3, &out, &work) == HFY_OK && out > DBL_MAX);
  second = sep_of(HFY_SEP_UNIFORM); /* with the scores the masked one does not count */
  CHECK(hfy_sep_apply(&both, t, 1, 3, y, &work) == HFY_OK);
  y[0] += (hfy_real)0.125;
  y[1] -= (hfy_real)0.125;
  CHECK(hfy_sep_loss(&both, t, y, 1, 3, &out, &work) == HFY_OK && out > 0 && out < 1);
  hfy_work_free(&work);
}

TEST(plus_refusals) {
  static const hfy_real t[] = {0, 1}, y[] = {1, 1}, three[] = {2, 1};
  hfy_sep third = sep_of(HFY_SEP_SOFTMAX), second = third, both = sep_of(HFY_SEP_SPARSEMAX);
  hfy_real p[2];
  double out = 7;
  hfy_work work;
  memset(&work, 0, sizeof work);
  both.plus = &second;
  second.plus = &third;
  CHECK_FAILS(hfy_sep_value(&both, three, 1, 2, &out, &work), HFY_ERR_UNSUPPORTED, &work, "sep->plus->plus");
  CHECK_FAILS(hfy_sep_loss(&both, t, three, 1, 2, &out, &work), HFY_ERR_UNSUPPORTED, &work, "sep->plus->plus");
  CHECK_EQ(out, 7);
  CHECK(hfy_sep_apply(&both, t, 1, 2, p, &work) == HFY_OK);
  CHECK(hfy_sep_loss(&both, t, p, 1, 2, &out, &work) == HFY_OK); /* the prediction itself: 0 */
  CHECK_EQ(out, 0);
  CHECK_EQ(work.message[0], 0);
  second = sep_of(HFY_SEP_SEQUENCE_KSUBSETS);
  out = 7;
  CHECK_FAILS(hfy_sep_value(&both, y, 1, 2, &out, &work), HFY_ERR_UNSUPPORTED, &work,
              "SPARSEMAX and SEQUENCE_KSUBSETS");
  CHECK_FAILS(hfy_sep_loss(&both, t, y, 1, 2, &out, &work), HFY_ERR_UNSUPPORTED, &work,
              "SPARSEMAX and SEQUENCE_KSUBSETS");
  CHECK_EQ(out, 7);
  hfy_work_free(&work);
}

/* the parameters of a chain are its first link's, as if that stood alone */
TEST(plus_parameters_are_the_first_links) {
  enum { N = 6, ROWS = 3 };
  hfy_rng rng = hfy_rng_seed(114);
  double lower[N], upper[N], got[2][2 * N + 2];
  hfy_real t[ROWS * N], v[ROWS * N], y[ROWS * N], g[ROWS * N];
  int which, theta;
  size_t i, k;
  bounds(&rng, N, 1, lower, upper);
  for (which = 0; which < 4; which++)
    for (theta = 0; theta < 2; theta++) {
      hfy_sep first = which == 0 ? entmax(1.3) : which == 1 ? normmax(3) : sep_of(HFY_SEP_SPARSEMAX), more;
      if (which >= 2) {
        first.upper = upper;
        first.lower = lower;
      }
      if (which == 3) {
        first.kind = HFY_SEP_KSUBSETS;
        first.k = 1.25;
        first.rho = 0.5;
      }
      more = entmax(1.7);
      scores(&rng, SHAPE_NORMAL, 0.4, ROWS * N, t);
      for (i = 0; i < ROWS * N; i++) v[i] = (hfy_real)hfy_rng_normal(&rng);
      for (i = 0; i < 2; i++) {
        hfy_sep_grad grad;
        memset(&grad, 0, sizeof grad);
        for (k = 0; k < 2 * N + 2; k++) got[i][k] = 1e9;
        first.plus = i ? &more : NULL;
        if (theta) grad.theta = g;
        if (which == 0) grad.alpha = got[i];
        if (which == 1) grad.gamma = got[i];
        if (which >= 2) {
          grad.upper = got[i];
          grad.lower = got[i] + N;
        }
        CHECK(hfy_sep_apply(&first, t, ROWS, N, y, NULL) == HFY_OK);
        CHECK(hfy_sep_vjp(&first, t, y, v, ROWS, N, &grad, NULL) == HFY_OK);
      }
      for (k = 0; k < 2 * N + 2; k++) CHECK_EQ(got[1][k], got[0][k]);
      CHECK(fabs(got[0][0]) < 1e8);
    }
}

/* A split is found in as many steps, about, whatever the size of its target: no search by doubling or by halving. */
TEST(plus_takes_no_longer_far_out) {
  hfy_sep first = sep_of(HFY_SEP_SOFTMAX), second = power(1.05);
  hfy_real y[3] = {1, -0.5f, 0.25f};
  double value;
  clock_t spent[2];
  size_t far, i;
  first.plus = &second;
  for (far = 0; far < 2; far++) {
    const clock_t start = clock();
    for (i = 0; i < 3; i++) y[i] = (hfy_real)((double)y[i] * (far ? 1e30 : 1));
    for (i = 0; i < 20; i++) hfy_sep_value(&first, y, 1, 3, &value, NULL);
    spent[far] = clock() - start;
  }
  if (!CHECK((double)spent[1] <= 100 * (double)spent[0] + 0.2 * CLOCKS_PER_SEC))
    printf("    %g ticks, far out %g\n", (double)spent[0], (double)spent[1]);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(margin_values);
  RUN(margin_of_a_sum_is_the_larger);
  RUN(vertices_from_the_margin_on);
  RUN(alpha_is_continuous_across_1_and_1_5_and_2);
  RUN(gamma_is_continuous_across_2);
  RUN(alpha_from_5_on_is_exact);
  RUN(one_score_above_equal_ones);
  RUN(scores_near_a_million_keep_their_gaps);
  RUN(scores_at_the_ends_of_the_range);
  RUN(value_agrees_with_its_formula);
  RUN(values_of_small_weights);
  RUN(value_outside_the_domain_is_infinite);
  RUN(conjugate_agrees_with_its_definition);
  RUN(conjugate_is_the_maximum);
  RUN(loss_is_not_negative_and_agrees);
  RUN(loss_is_exactly_0_at_the_prediction);
  RUN(loss_has_the_gradient_prediction_minus_target);
  RUN(loss_outside_the_domain_is_infinite);
  RUN(loss_of_large_scores_does_not_cancel);
  RUN(margins_of_any_k);
  RUN(losses_beside_large_scores);
  RUN(plus_adds_predictions_and_conjugates);
  RUN(plus_value_and_loss_of_every_pair);
  RUN(plus_value_by_brute_force);
  RUN(plus_values_in_closed_form);
  RUN(plus_loss_has_the_gradient_prediction_minus_target);
  RUN(rectified_and_even_by_hand);
  RUN(plus_outside_the_domain_and_masked);
  RUN(plus_refusals);
  RUN(plus_parameters_are_the_first_links);
  RUN(plus_takes_no_longer_far_out);
  return CHECK_END();
}
