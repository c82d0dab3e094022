/* test_rate.c: graded attractor networks against golden rows, identities, independent solutions and simulations. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "targets_rate.h"

#define ROWS (sizeof rate_targets / sizeof rate_targets[0])
static unsigned char seen[ROWS];

/* The golden row of this name; each must be asked for by somebody. */
static double want(const char *name) {
  size_t i;
  for (i = 0; i < ROWS; i++)
    if (!strcmp(rate_targets[i].name, name)) {
      seen[i] = 1;
      return rate_targets[i].value;
    }
  printf("      (no golden row \"%s\")\n", name);
  CHECK(name == NULL); /* there is no such golden row */
  return HUGE_VAL;
}

/* relative, with an absolute floor */
static void golden(const char *name, double got, double rel, double abs_) {
  const double w = want(name);
  const int ok = fabs(got - w) <= rel * fabs(w) + abs_;
  CHECK(ok);
  if (!ok) printf("      (%s is %.15g, want %.15g)\n", name, got, w);
}

static void tagged(const char *tag, const char *key, double got, double rel, double abs_) {
  char name[120];
  snprintf(name, sizeof name, "%s.%s", tag, key);
  golden(name, got, rel, abs_);
}

static double *doubles(size_t n) {
  double *x = (double *)calloc(n ? n : 1, sizeof *x);
  if (!x) exit(2);
  return x;
}

static double nan_(void) {
  const uint64_t bits = UINT64_C(0x7FF8000000000000);
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
static int is_nan(double x) { return !(x <= 0) && !(x > 0); }

static hfy_rate unit(double power, double sigma, double theta) {
  hfy_rate r = {0, 0, 0, NULL};
  r.power = power, r.sigma = sigma, r.theta = theta;
  return r;
}

static double norm(const double *x, size_t n) {
  double s = 0;
  size_t i;
  for (i = 0; i < n; i++) s += x[i] * x[i];
  return sqrt(s);
}

static double total(const double *x, size_t n) {
  double s = 0;
  size_t i;
  for (i = 0; i < n; i++) s += x[i];
  return s;
}

static double distance(const double *x, const double *y, size_t n) {
  double s = 0;
  size_t i;
  for (i = 0; i < n; i++) s += (x[i] - y[i]) * (x[i] - y[i]);
  return sqrt(s);
}

static double *patterns(uint64_t seed, size_t count, size_t dim, double cv, double f) {
  double *r = doubles(count * dim);
  hfy_rng rng = hfy_rng_seed(seed);
  CHECK(hfy_rate_patterns(&rng, cv, f, count, dim, r, NULL) == HFY_OK);
  return r;
}

static double theta_star(double power, double sigma, double cv) {
  hfy_rate one = unit(power, sigma, 0);
  hfy_rate_averages t;
  CHECK(hfy_rate_theory(&one, cv, 1, &t, NULL) == HFY_OK);
  return t.theta;
}

/* --- the unit --- */

/* units of the caller's */
static double soft_g(const void *own, double v) { return hfy_rate_g((const hfy_rate *)own, v); }
static double soft_slope(const void *own, double v) { return hfy_rate_slope((const hfy_rate *)own, v); }
static double soft_inverse(const void *own, double r) { return hfy_rate_inverse((const hfy_rate *)own, r); }
static double tanh_g(const void *own, double v) { return *(const double *)own * tanh(v); }
static double tanh_slope(const void *own, double v) { return *(const double *)own / (cosh(v) * cosh(v)); }
static double tanh_inverse(const void *own, double r) { return atanh(r / *(const double *)own); }

static double no_slope(const void *own, double v) { return (void)own, (void)v, 0; }

static hfy_rate_unit soft_unit(const hfy_rate *one) {
  hfy_rate_unit own = {soft_g, soft_slope, soft_inverse, NULL, NULL, NULL};
  own.context = one;
  return own;
}

TEST(the_unit_is_golden) {
  static const double at[][3] = {{1, 1, 0},    {1.5, 0.7, 0.3}, {0.5, 2, -3},
                                 {2, 0.1, -2}, {1.5, 0.01, 50}, {1, 1, -200}};
  static const double rates[][3] = {{1, 1, 1e-12},   {1.5, 0.7, 0.2}, {0.5, 2, 1e-8},
                                    {2, 0.1, 1e-30}, {1, 1, 100},     {0.1, 1, 1e-40}};
  char name[80];
  size_t i;
  for (i = 0; i < 6; i++) {
    hfy_rate one = unit(at[i][0], at[i][1], 0);
    snprintf(name, sizeof name, "B.g n=%g s=%g v=%g", at[i][0], at[i][1], at[i][2]);
    golden(name, hfy_rate_g(&one, at[i][2]), 1e-12, 0);
    snprintf(name, sizeof name, "B.g' n=%g s=%g v=%g", at[i][0], at[i][1], at[i][2]);
    golden(name, hfy_rate_slope(&one, at[i][2]), 1e-12, 0);
    one = unit(rates[i][0], rates[i][1], 0);
    snprintf(name, sizeof name, "B.ginv n=%g s=%g r=%g", rates[i][0], rates[i][1], rates[i][2]);
    golden(name, hfy_rate_inverse(&one, rates[i][2]), 1e-12, 0);
    snprintf(name, sizeof name, "B.d    n=%g s=%g r=%g", rates[i][0], rates[i][1], rates[i][2]);
    golden(name, hfy_rate_slope_at(&one, rates[i][2]), 1e-12, 0);
  }
}

TEST(the_inverse_inverts) {
  static const double power[] = {0.3, 0.5, 1, 1.5, 2, 3}, sigma[] = {0, 0.01, 0.1, 1, 3};
  size_t i, j;
  for (i = 0; i < 6; i++)
    for (j = 0; j < 5; j++) {
      hfy_rate one = unit(power[i], sigma[j], 0);
      int k;
      for (k = -60; k <= 12; k++) { /* M1, M2: r in 1e-30 .. 1e6 */
        const double r = pow(10, 0.5 * k) * 1.234567, v = hfy_rate_inverse(&one, r);
        if (sigma[j] > 0 && 3.14159 * pow(r, 1 / power[i]) / sigma[j] < 1e-290) continue;
        CHECK(fabs(hfy_rate_g(&one, v) / r - 1) <= 1e-12);
        CHECK(fabs(hfy_rate_slope(&one, v) / hfy_rate_slope_at(&one, r) - 1) <= 1e-12);
      }
    }
}

TEST(the_unit_far_out) {
  static const double power[] = {0.3, 1, 1.5, 3};
  /* power, sigma, v, slope of 40 digits, where g itself is beyond double or below it */
  static const double far[3][4] = {{2, 1e240, -4e241, 4.5057990137309377e+130},
                                   {1, 1e-230, -5e-229, 6.0420220783240822e-69},
                                   {1.5, 1e-94, -1.1e-92, 6.3887800809990569e-273}};
  size_t i;
  for (i = 0; i < 3; i++) {
    hfy_rate one = unit(far[i][0], far[i][1], 0);
    CHECK(fabs(hfy_rate_slope(&one, far[i][2]) / far[i][3] - 1) < 1e-12);
  }
  for (i = 0; i < 4; i++) {
    hfy_rate soft = unit(power[i], 1, 0), hard = unit(power[i], 0, 0), nearly = unit(power[i], 1e-12, 0);
    hfy_rate least = unit(power[i], 4.9e-324, 0);
    double v;
    for (v = 1; v < 1e300; v *= 30) { /* M3 */
      const double g = hfy_rate_g(&soft, -v);
      CHECK(g >= 0 && g < 1);
      CHECK(hfy_rate_slope(&soft, -v) >= 0 && hfy_rate_slope(&soft, -v) < 2);
      if (v > 12 && pow(v, power[i]) < 1e300) CHECK(fabs(hfy_rate_g(&soft, v) / pow(v, power[i]) - 1) <= 1e-14);
      CHECK_EQ(hfy_rate_g(&hard, -v), 0);
      CHECK_EQ(hfy_rate_slope(&hard, -v), 0);
    }
    CHECK_EQ(hfy_rate_g(&hard, 0), 0);
    for (v = 1e-3; v < 1e3; v *= 3) { /* sigma to 0 */
      CHECK_NEAR(hfy_rate_g(&nearly, v), hfy_rate_g(&hard, v), 1e-12);
      CHECK_NEAR(hfy_rate_slope(&nearly, v), hfy_rate_slope(&hard, v), 1e-12);
      CHECK_NEAR(hfy_rate_inverse(&nearly, v), hfy_rate_inverse(&hard, v), 1e-12);
      CHECK_EQ(hfy_rate_g(&least, v), hfy_rate_g(&hard, v));
    }
    CHECK_EQ(hfy_rate_g(&least, 0), 0);
    CHECK_EQ(hfy_rate_inverse(&soft, HUGE_VAL), HUGE_VAL);
    CHECK_EQ(hfy_rate_inverse(&soft, 0), -HUGE_VAL);
    CHECK_EQ(hfy_rate_inverse(&hard, 0), 0);
    CHECK_EQ(hfy_rate_slope_at(&soft, 0), 0);
    soft.power = 1.78211e308, soft.sigma = 1.92351e179; /* power/sigma pi r, where power pi has left the range */
    CHECK_NEAR(hfy_rate_slope_at(&soft, 3.12928e-299) * 1e169, 0.9108237697084951, 1e-12);
    soft.power = power[i], soft.sigma = 1;
    CHECK(is_nan(hfy_rate_inverse(&soft, -1)));
    CHECK(is_nan(hfy_rate_g(&soft, nan_())));
  }
  {
    hfy_rate bad[4];
    bad[0] = unit(0, 1, 0), bad[1] = unit(-1, 1, 0), bad[2] = unit(1, -1, 0), bad[3] = unit(nan_(), 1, 0);
    for (i = 0; i < 4; i++)
      CHECK(is_nan(hfy_rate_g(&bad[i], 1)) && is_nan(hfy_rate_slope(&bad[i], 1)) &&
            is_nan(hfy_rate_inverse(&bad[i], 1)) && is_nan(hfy_rate_slope_at(&bad[i], 1)));
  }
}

/* The largest slopes: nothing overflows on the way to what does not. */
TEST(slopes_up_to_the_largest) {
  const hfy_rate one = unit(74.0859, 69604.7, 0);
  const double scale = 69604.7 / 3.14159265358979323846;
  double v, found = 0;
  for (v = 400; v < 900; v += 0.5) {
    const double u = v + scale * log1p(exp(-v / scale)), ln = 73.0859 * log(u) + log(74.0859) - log1p(exp(-v / scale));
    if (!(ln < 709.78 && ln > 709)) continue;
    found += 1;
    CHECK_NEAR(log(hfy_rate_slope(&one, v)), ln, 1e-13);
  }
  CHECK(found > 9);
}

TEST(slopes_are_derivatives) {
  static const double at[][3] = {{1, 1, 0.3},    {1.5, 0.7, -0.4}, {0.5, 2, -3},
                                 {2, 0.1, 0.02}, {0.7, 0, 1.3},    {3, 0, 0.5}};
  size_t i;
  for (i = 0; i < 6; i++) {
    hfy_rate one = unit(at[i][0], at[i][1], 0);
    const double v = at[i][2], e = 1e-5;
    CHECK_NEAR((hfy_rate_g(&one, v + e) - hfy_rate_g(&one, v - e)) / (2 * e), hfy_rate_slope(&one, v), 1e-7);
  }
}

/* the unit is the post-transformation of the net */
TEST(the_unit_is_the_post) {
  hfy_real z[9], q[9];
  hfy_post post;
  hfy_rate one = unit(1.3, 0.8, 0.25);
  size_t i;
  memset(&post, 0, sizeof post);
  post.kind = HFY_POST_RECTIFIED_POWER, post.power = 1.3, post.sigma = 0.8, post.theta = 0.25;
  for (i = 0; i < 9; i++) z[i] = (hfy_real)((double)i - 4.25);
  CHECK(hfy_post_apply(&post, z, NULL, 1, 9, q, NULL) == HFY_OK);
  for (i = 0; i < 9; i++) CHECK_NEAR(q[i], hfy_rate_g(&one, (double)z[i] - 0.25), 30 * REAL_EPS);
}

/* --- patterns --- */

TEST(patterns_are_golden) {
  double *r = patterns(1, 15, 50, 1, 1);
  hfy_rng rng = hfy_rng_seed(1);
  const double s = sqrt(log(2));
  golden("A.uniform[0] seed 1", hfy_rng_uniform(&rng), 1e-13, 0);
  golden("A.normal[0] seed 1", (log(r[0]) + 0.5 * s * s) / s, 1e-12, 1e-14);
  golden("A.normal[1] seed 1", (log(r[1]) + 0.5 * s * s) / s, 1e-12, 0);
  golden("A.patterns(1,50,15,CV=1)[0,0]", r[0], 1e-13, 0);
  golden("A.patterns(1,50,15,CV=1)[1,0]", r[1], 1e-13, 0);
  golden("A.patterns(1,50,15,CV=1)[0,1]", r[50], 1e-13, 0);
  free(r);
}

TEST(patterns_have_their_moments) {
  static const double cv[] = {0, 0.5, 1, 2}, f[] = {1, 0.3};
  size_t i, j, k;
  for (i = 0; i < 4; i++)
    for (j = 0; j < 2; j++) {
      const size_t n = 200000;
      double *r = patterns(90 + i, 200, n / 200, cv[i], f[j]), mean = 0, var = 0, on = 0;
      for (k = 0; k < n; k++)
        if (r[k] > 0) mean += r[k], on += 1;
      mean /= on;
      for (k = 0; k < n; k++)
        if (r[k] > 0) var += (r[k] - mean) * (r[k] - mean) / on;
      CHECK(fabs(on / (double)n - f[j]) < 0.01);
      CHECK(fabs(mean - 1) < 0.03 * (cv[i] + 1e-9));
      CHECK(fabs(sqrt(var) - cv[i]) <= 0.1 * cv[i]);
      free(r);
    }
}

TEST(perturbed_and_partial) {
  double *r = patterns(3, 4, 40, 1, 1), *p = doubles(160), *q = doubles(160);
  hfy_rng a = hfy_rng_seed(5), b = hfy_rng_seed(5);
  size_t mu, i;
  CHECK(hfy_rate_perturb(&a, r, 4, 40, 0, 0, p, NULL) == HFY_OK);
  CHECK(!memcmp(p, r, 160 * sizeof *p));
  CHECK(hfy_rate_perturb(&a, r, 4, 40, 0, 0.25, p, NULL) == HFY_OK);
  for (mu = 0; mu < 4; mu++) {
    size_t gone = 0;
    const double mean = total(r + mu * 40, 40) / 40;
    for (i = 0; i < 40; i++) {
      const double v = p[mu * 40 + i];
      if (v == r[mu * 40 + i]) continue;
      gone++;
      CHECK_NEAR(v, mean, 1e-14);
    }
    CHECK_EQ(gone, 10);
  }
  CHECK(hfy_rate_perturb(&b, r, 4, 40, 0.3, 0, q, NULL) == HFY_OK);
  for (i = 0, mu = 0; i < 160; i++) mu += q[i] != r[i];
  CHECK(mu > 150);
  memcpy(p, r, 160 * sizeof *p);
  b = hfy_rng_seed(5);
  CHECK(hfy_rate_perturb(&b, p, 4, 40, 0.3, 0, p, NULL) == HFY_OK); /* in place */
  CHECK(!memcmp(p, q, 160 * sizeof *p));
  free(r), free(p), free(q);
}

/* --- theory --- */

static void averages(const char *tag, const hfy_rate_averages *t, int all, double rel, double abs_) {
  tagged(tag, "hbar", t->hbar, rel, abs_);
  tagged(tag, "vh", t->vh, rel, abs_);
  tagged(tag, "dbar", t->dbar, rel, abs_);
  tagged(tag, "d2", t->d2, rel, abs_);
  tagged(tag, "crh", t->crh, rel, abs_);
  if (all) {
    tagged(tag, "theta", t->theta, rel, abs_);
    tagged(tag, "crr", t->crr, rel, abs_);
    tagged(tag, "crphi", t->crphi, rel, abs_);
    tagged(tag, "lam_ave", t->lambda_ave, rel, abs_);
    tagged(tag, "tau_mem", t->tau_mem, rel, abs_);
    tagged(tag, "aS_bulk", t->alpha_s_bulk, rel, abs_);
    tagged(tag, "aS", t->alpha_s, rel, abs_);
  }
  tagged(tag, "crf", t->crf, rel, abs_);
  tagged(tag, "cff", t->cff, rel, abs_);
  tagged(tag, "lam_mem", t->lambda_mem, rel, abs_);
}

TEST(dense_theory_is_golden) {
  static const double at[][6] = {/* power, sigma, cv, alpha, own theta?, theta */
                  {1, 1, 1, 0.3, 0, 0},   {1, 1, 2, 0.3, 0, 0},    {1.5, 1, 1, 0.5, 0, 0},
                  {0.9, 1, 1, 0.1, 0, 0}, {1, 0.1, 1, 0.1, 0, 0},  {0.5, 0.5, 2, 0.2, 0, 0},
                  {2, 3, 0.5, 0.4, 0, 0}, {1, 1, 1, 0.3, 1, 0.25}, {0.8, 3, 4, 0.7, 1, -1}};
  char tag[60], key[40];
  hfy_rate_averages t;
  hfy_rate_load load;
  hfy_rate one;
  size_t i;
  for (i = 0; i < 9; i++) {
    snprintf(tag, sizeof tag, at[i][4] > 0 ? "C(%g,%g,%g,th=%g)" : "C(%g,%g,%g)", at[i][0], at[i][1], at[i][2],
             at[i][5]);
    one = unit(at[i][0], at[i][1], at[i][5]);
    CHECK(hfy_rate_theory(&one, at[i][2], !(at[i][4] > 0), &t, NULL) == HFY_OK);
    averages(tag, &t, 1, 1e-9, 1e-11);
    snprintf(key, sizeof key, "lam_bulk(a=%g)", at[i][3]);
    CHECK(hfy_rate_at_load(&t, at[i][3], &load, NULL) == HFY_OK);
    tagged(tag, key, load.lambda_bulk, 1e-9, 1e-11);
    CHECK_NEAR(load.weight_norm, at[i][3] / (1 - at[i][3]) * t.vh / t.crr, 1e-14);
    CHECK_NEAR(load.weight_sum, (t.theta + t.hbar) / t.rbar, 1e-14);
    CHECK_NEAR(t.delta, t.crr * t.cff - t.crf * t.crf, 1e-9);
    CHECK_NEAR(t.gap, t.crr - t.crf, 1e-10);
    if (t.alpha_s_bulk > 0) { /* eq. 11 is where eq. 10 is 0 */
      CHECK(hfy_rate_at_load(&t, t.alpha_s_bulk, &load, NULL) == HFY_OK);
      CHECK_NEAR(load.lambda_bulk, 0, 1e-12);
    }
  }
  one = unit(0.5, 0, 0);
  CHECK(hfy_rate_theory(&one, 1, 1, &t, NULL) == HFY_OK);
  averages("C'(0.5,0,1)", &t, 0, 1e-10, 1e-12);
  one = unit(1, 0, 0);
  CHECK(hfy_rate_theory(&one, 1, 1, &t, NULL) == HFY_OK);
  CHECK(hfy_rate_at_load(&t, 0.1, &load, NULL) == HFY_OK);
  tagged("C'(1,0,1)", "lam_mem", t.lambda_mem, 0, 1e-12);
  tagged("C'(1,0,1)", "aS_bulk", t.alpha_s_bulk, 0, 1e-12);
  tagged("C'(1,0,1)", "lam_bulk", load.lambda_bulk, 0, 1e-7); /* the root of a rounded 0 */
}

/* sigma = 0 in closed form, over five decades of the quadrature's difficulty */
TEST(averages_in_closed_form) {
  static const double power[] = {0.2, 0.5, 1, 1.5, 3}, cv[] = {0.1, 1, 3};
  size_t i, j;
  for (i = 0; i < 5; i++)
    for (j = 0; j < 3; j++) {
      hfy_rate one = unit(power[i], 0, 0.4);
      hfy_rate_averages t;
      const double n = power[i], s2 = log(1 + cv[j] * cv[j]), p = (n - 1) / n;
#define MOMENT(e) exp(0.5 * s2 * ((e) * (e) - (e)))
      CHECK(hfy_rate_theory(&one, cv[j], 0, &t, NULL) == HFY_OK);
      CHECK(fabs(t.rbar - 1) < 1e-12);
      CHECK(fabs(t.hbar / MOMENT(1 / n) - 1) < 1e-10);
      CHECK(fabs(t.dbar / (n * MOMENT(p)) - 1) < 1e-10);
      CHECK(fabs(t.d2 / (n * n * MOMENT(2 * p)) - 1) < 1e-10);
      CHECK(fabs((t.vh + t.hbar * t.hbar) / MOMENT(2 / n) - 1) < 1e-10);
      CHECK(fabs((t.crr + 1) / MOMENT(2) - 1) < 1e-10);
      CHECK(fabs((t.crh + t.hbar) / MOMENT(1 + 1 / n) - 1) < 1e-10);
      CHECK(fabs((t.crd + t.dbar) / (n * MOMENT(1 + p)) - 1) < 1e-10);
      CHECK(fabs(t.cdh + t.dbar * t.hbar - n * MOMENT(p + 1 / n)) < 1e-10 * (n + t.dbar * t.hbar));
      CHECK_NEAR(t.theta_bulk, -t.hbar, 1e-12);
      CHECK_NEAR(t.theta_ave, -t.hbar + 1 / t.dbar, 1e-12);
#undef MOMENT
    }
}

/* A given threshold, far from theta*: phi = n r + theta n r^p is as exact as <h> is large; hardly varying rates; one slope
   for all rates, whose covariances are 0. */
TEST(averages_at_a_given_threshold) {
  static const double at[][2] = {{0.1, 2}, {0.2, 10}, {0.3, 100}, {0.3, 1e4}, {0.5, 1e6}, {2, 1e-6}, {1, 1e-6}};
  size_t i;
  for (i = 0; i < COUNT(at); i++) {
    const double n = at[i][0], s2 = log1p(at[i][1] * at[i][1]), p = (n - 1) / n, crr = expm1(s2);
    const double crp = exp(0.5 * s2 * (p * p - p)) * expm1(s2 * p); /* cov(r, r^p) */
    const hfy_rate one = unit(n, 0, 0.3);
    hfy_rate_averages t;
    CHECK(hfy_rate_theory(&one, at[i][1], 0, &t, NULL) == HFY_OK);
    CHECK_NEAR(t.lambda_mem, -1 + n + 0.3 * n * crp / crr, 1e-9);
    CHECK_NEAR(t.crdh / crr, n, 1e-9);
    if (n < 1 || n > 1) CHECK_NEAR(t.theta_mem / ((1 - n) * crr / (n * crp)), 1, 1e-9);
    if (!(n < 1 || n > 1)) CHECK(t.theta_mem > DBL_MAX && t.crd >= 0 && t.crd <= 0);
  }
}

/* What may leave the range of double: right, or NONFINITE and nothing written or drawn. */
TEST(beyond_double) {
  double r[6] = {1, 0, 2, 0.5, 3, 7}, out[6] = {5, 5, 5, 5, 5, 5}, flat[6], far[6] = {1e308, 1e308, 1, 1, 1, 1};
  hfy_rng a = hfy_rng_seed(1), b = a;
  hfy_rate_averages t;
  hfy_rate_load load;
  hfy_work w;
  size_t i;
  memset(&w, 0, sizeof w), memset(&t, 0, sizeof t);
  CHECK_FAILS(hfy_rate_perturb(&a, r, 1, 6, 1e308, 0, out, &w), HFY_ERR_NONFINITE, &w, "pattern 0 with noise 1e308");
  CHECK_FAILS(hfy_rate_perturb(&a, far, 1, 6, 0, 0.5, out, &w), HFY_ERR_NONFINITE, &w, "or its sum");
  CHECK(out[0] == 5 && out[5] == 5 && a.state == b.state);
  CHECK(hfy_rate_perturb(&a, r, 1, 6, 1, 0.2, flat, &w) == HFY_OK);
  CHECK(hfy_rate_perturb(&b, r, 1, 6, 90, 0.2, out, &w) == HFY_OK && a.state == b.state); /* looked at first */
  for (i = 0; i < 6; i++) /* all but the missing one, and the silent one */
    if (r[i] > 0 && out[i] != flat[i]) CHECK_NEAR(log(out[i] / r[i]) / 90, log(flat[i] / r[i]), 1e-13);
  r[3] = nan_();
  CHECK_FAILS(hfy_rate_perturb(&a, r, 1, 6, 1, 0, out, &w), HFY_ERR_ARG, &w, "r: pattern 0, unit 3");
  t.crr = 5e299, t.vh = 4e299, t.ve = 1e299, t.delta = 1e300, t.rbar = 1;
  CHECK(hfy_rate_at_load(&t, 1 - DBL_EPSILON, &load, &w) == HFY_OK);
  CHECK_NEAR(load.weight_norm * DBL_EPSILON, 0.8, 1e-12);
  CHECK_NEAR(load.weight_norm_self * DBL_EPSILON, 0.2, 1e-12);
  t.rbar = 1e-300, t.theta = 1e10, load.weight_sum = 7;
  CHECK_FAILS(hfy_rate_at_load(&t, 0.5, &load, &w), HFY_ERR_NONFINITE, &w, "beyond double");
  CHECK(load.weight_sum == 7);
  hfy_work_free(&w);
}

static double root_g(const void *own, double v) { return (void)own, v > 0 ? sqrt(v) : 0; }
static double root_slope(const void *own, double v) { return (void)own, v < 0 ? 0 : v > 0 ? 0.5 / sqrt(v) : HUGE_VAL; }
static double root_inverse(const void *own, double r) { return (void)own, r * r; }

/* A slope that is infinite where a run starts did not let time pass: a million steps of 0. */
TEST(an_infinite_slope) {
  static const hfy_rate_unit root = {root_g, root_slope, root_inverse, NULL, NULL, NULL};
  const double w[4] = {0, 1, 1, 0}, start[2] = {0, 0.5};
  hfy_rate one = unit(0, 0, 0);
  double end[2] = {7, 7};
  one.unit = &root;
  CHECK(hfy_rate_simulate(&one, w, 2, start, 1, NULL, end, NULL, NULL) == HFY_OK);
  CHECK_NEAR(end[0], 1, 1e-7);
  CHECK_NEAR(end[1], 1, 1e-7);
}

TEST(thresholds_bound_the_outliers) {
  static const double power[] = {0.8, 1, 1.3}, sigma[] = {0.5, 1, 2};
  size_t i, j;
  for (i = 0; i < 3; i++)
    for (j = 0; j < 3; j++) {
      hfy_rate one = unit(power[i], sigma[j], 0);
      hfy_rate_averages star, t;
      CHECK(hfy_rate_theory(&one, 1, 1, &star, NULL) == HFY_OK);
      CHECK_NEAR(star.lambda_ave, -1, 1e-12);                 /* M8 */
      CHECK_NEAR(star.outlier_re[0], star.lambda_mem, 1e-12); /* M15 */
      CHECK_NEAR(star.outlier_re[1], -1, 1e-12);
      one.theta = star.theta_bulk + 0.7;
      CHECK(hfy_rate_theory(&one, 1, 0, &t, NULL) == HFY_OK);
      CHECK_NEAR(t.cff - star.cff, t.vd * 0.49, 1e-12); /* M8 */
      one.theta = star.theta_ave;
      CHECK(hfy_rate_theory(&one, 1, 0, &t, NULL) == HFY_OK);
      CHECK_NEAR(t.lambda_ave, 0, 1e-12); /* eq. 17 */
      one.theta = star.theta_mem;
      CHECK(hfy_rate_theory(&one, 1, 0, &t, NULL) == HFY_OK);
      CHECK_NEAR(t.lambda_mem, 0, 1e-10); /* eq. 18 */
      one.theta += t.crd > 0 ? -0.1 : 0.1;
      CHECK(hfy_rate_theory(&one, 1, 0, &t, NULL) == HFY_OK);
      CHECK(t.lambda_mem < 0);
    }
}

TEST(samples_and_quadrature_agree) {
  const size_t n = 400000;
  double *r = patterns(77, 400, n / 400, 0.7, 1), w3[3] = {1, 2, 0}, r3[3] = {0.5, 2, 9}, r5[3] = {0.5, 2, 2};
  hfy_rate one = unit(1.2, 0.8, -0.3);
  hfy_rate_averages a, b;
  CHECK(hfy_rate_theory(&one, 0.7, 0, &a, NULL) == HFY_OK);
  CHECK(hfy_rate_theory_of(&one, r, NULL, n, 0, &b, NULL) == HFY_OK);
  CHECK_NEAR(b.hbar, a.hbar, 0.01);
  CHECK_NEAR(b.cff / a.cff, 1, 0.03);
  CHECK_NEAR(b.lambda_mem, a.lambda_mem, 0.02);
  CHECK_NEAR(b.outlier_re[0], a.outlier_re[0], 0.02);
  CHECK(hfy_rate_theory_of(&one, r3, w3, 3, 0, &a, NULL) == HFY_OK); /* a weight of 2 is to be there twice */
  CHECK(hfy_rate_theory_of(&one, r5, NULL, 3, 0, &b, NULL) == HFY_OK);
  CHECK_NEAR(a.cff, b.cff, 1e-13);
  CHECK_NEAR(a.lambda_mem, b.lambda_mem, 1e-13);
  free(r);
}

TEST(corrected_theory_is_golden) {
  static const double at[][4] = {{1.5, 0.5, 1, 1}, {1.5, 0.5, 1, -2}, {1, 1, 1, 2}, {1, 1, 2, 1}, {1, 3, 1, 0.3}};
  static const double edges[][4] = {
    {1, 1, 1, 0.1}, {1, 1, 1, 0.5}, {1, 1, 2, 0.3}, {0.9, 1, 1, 0.1}, {1, 0.3, 1, 0.5}};
  static const double loads[][3] = {{1, 1, 1}, {1, 1, 2}, {1, 0.3, 1}};
  hfy_rate_averages t;
  hfy_rate one;
  char name[80];
  double x;
  size_t i;
  int self;
  for (i = 0; i < 5; i++) {
    one = unit(at[i][0], at[i][1], theta_star(at[i][0], at[i][1], at[i][2]) + at[i][3]);
    CHECK(hfy_rate_theory(&one, at[i][2], 0, &t, NULL) == HFY_OK);
    snprintf(name, sizeof name, "L(%g,%g,%g,th*%+g)", at[i][0], at[i][1], at[i][2], at[i][3]);
    tagged(name, "c_dh", t.cdh, 0, 1e-8);
    tagged(name, "Re e+", t.outlier_re[0], 0, 1e-8);
    tagged(name, "Re e-", t.outlier_re[1], 0, 1e-8);
    CHECK_EQ(t.outlier_im[0], 0);
  }
  for (i = 0; i < 5; i++)
    for (self = 0; self < 2; self++) {
      one = unit(edges[i][0], edges[i][1], 0.7); /* whatever the threshold */
      CHECK(hfy_rate_bulk_edge(&one, edges[i][2], edges[i][3], self, 0, &x, NULL) == HFY_OK);
      snprintf(name, sizeof name, "L(%g,%g,%g).edge %s a=%g", edges[i][0], edges[i][1], edges[i][2],
               self ? "sc" : "zd", edges[i][3]);
      golden(name, x, 0, 1e-8);
    }
  for (i = 0; i < 3; i++) {
    one = unit(loads[i][0], loads[i][1], 0);
    CHECK(hfy_rate_bulk_load(&one, loads[i][2], 1, 0, &x, NULL) == HFY_OK);
    snprintf(name, sizeof name, "L(%g,%g,%g).alpha_S corrected sc", loads[i][0], loads[i][1], loads[i][2]);
    golden(name, x, 0, 1e-6);
  }
  one = unit(1, 1, 0);
  CHECK(hfy_rate_bulk_load(&one, 1, 0, 0, &x, NULL) == HFY_OK);
  golden("L(1,1,1).alpha_S corrected zd", x, 0, 1e-6);
  one = unit(1, 0.05, 0); /* M16 */
  for (self = 0; self < 2; self++) {
    CHECK(hfy_rate_bulk_edge(&one, 1, 0.3, self, 0, &x, NULL) == HFY_OK);
    CHECK(x > -0.01 && x < 0.01);
  }
  one = unit(1.5, 1, 0); /* the spec's table: 0.110 and 0.066 at N = 500 */
  CHECK(hfy_rate_bulk_edge(&one, 1, 0.3, 1, 500, &x, NULL) == HFY_OK);
  CHECK(fabs(x - 0.110) < 0.006);
  CHECK(hfy_rate_bulk_edge(&one, 1, 0.3, 0, 500, &x, NULL) == HFY_OK);
  CHECK(fabs(x - 0.066) < 0.006);
}

TEST(optima_are_golden) {
  static const double cv[] = {0.5, 1, 2};
  static const hfy_rate_grid inner = {0.8, 0.01, 51, -1.25, 0.025, 81}; /* part of the default grid, in less time */
  char name[80];
  size_t i;
  for (i = 0; i < 3; i++) {
    hfy_rate best;
    double top, n, s;
    CHECK(hfy_rate_optimum(cv[i], i == 1 ? NULL : &inner, &best, &top, NULL) == HFY_OK);
    snprintf(name, sizeof name, "J.CV=%g max alpha_S", cv[i]);
    golden(name, top, 1e-9, 0);
    n = floor((best.power - 0.6) / 0.01 + 0.5), s = floor((log10(best.sigma) + 2) / 0.025 + 0.5);
    snprintf(name, sizeof name, "J.CV=%g argmax i (n=%.2f)", cv[i], best.power);
    golden(name, n, 0, 0);
    snprintf(name, sizeof name, "J.CV=%g argmax j (sigma=%.4f)", cv[i], best.sigma);
    golden(name, s, 0, 0);
    CHECK_NEAR(best.theta, theta_star(best.power, best.sigma, cv[i]), 1e-9);
  }
  {
    hfy_rate_grid grid = {0.5, 0.1, 2, -2, 1, 1}; /* nothing is stable there */
    hfy_rate best;
    double top = 7;
    CHECK(hfy_rate_optimum(1, &grid, &best, &top, NULL) == HFY_OK);
    CHECK_EQ(top, 0);
    CHECK(is_nan(best.power));
  }
}

/* Rates that hardly vary: alpha_S falls as cv^2; where rounding decides it is 0, not 0.13. */
TEST(optima_of_small_cv) {
  static const hfy_rate_grid grid = {1, 0.04, 3, -0.5, 0.1, 3};
  const hfy_rate one = unit(1.1, 0.5, 0);
  hfy_rate_averages t;
  hfy_rate best;
  double top, cv;
  for (cv = 1e-2; cv > 5e-5; cv /= 10) {
    CHECK(hfy_rate_theory(&one, cv, 1, &t, NULL) == HFY_OK);
    CHECK_NEAR(t.alpha_s_bulk / (1.3036 * cv * cv), 1, 1e-3);
    CHECK(hfy_rate_optimum(cv, &grid, &best, &top, NULL) == HFY_OK);
    CHECK(top < 1.6 * cv * cv && top > 1.3 * cv * cv);
  }
  for (cv = 1e-5; cv > 1e-9; cv /= 10) {
    CHECK(hfy_rate_optimum(cv, &grid, &best, &top, NULL) == HFY_OK);
    CHECK(top < 2e-10);
  }
}

/* Where the theory is at its ends. */
TEST(theory_at_its_ends) {
  static const double fs[][3] = {/* mpmath, 60 digits */
                                 {1e-60, 16.055930311917124, 3.8347935271064048e57},
                                 {1e-100, 20.985770338319225, 2.2553551707964229e97},
                                 {1e-200, 29.979766078641002, 1.1089182254548126e197},
                                 {1e-290, 36.223179331588315, 7.6039025434337945e286}};
  const hfy_rate linear = unit(1, 0, 0), soft = unit(1.2, 1, 0), flat = unit(1e-3, 0, 0);
  hfy_rate_averages t;
  double x, y, theta0, load;
  size_t i;
  int self;
  for (i = 0; i < COUNT(fs); i++) {
    CHECK(hfy_rate_capacity(fs[i][0], &x, &theta0, NULL) == HFY_OK);
    CHECK(fabs(x / fs[i][2] - 1) < 1e-9 && fabs(theta0 - fs[i][1]) < 1e-10);
  }
  x = 7;
  CHECK(hfy_rate_capacity(4.9e-324, &x, NULL, NULL) == HFY_ERR_NONFINITE);
  CHECK_EQ(x, 7);
  CHECK(hfy_rate_bulk_load(&linear, 1, 0, 0, &x, NULL) == HFY_OK); /* W r = r + theta: marginal at any load */
  CHECK_EQ(x, 0);
  CHECK(hfy_rate_bulk_edge(&soft, 1, 1e-6, 0, 0, &x, NULL) == HFY_OK);
  for (self = 0; self < 2; self++)
    for (load = 1e-7; load > 1e-300; load *= 1e-49) {
      CHECK(hfy_rate_bulk_edge(&soft, 1, load, self, 0, &y, NULL) == HFY_OK);
      CHECK(y < x && x - y < 1e-3);
    }
  CHECK(hfy_rate_theory(&flat, 1, 0, &t, NULL) == HFY_ERR_NONFINITE);
}

TEST(replica_is_golden) {
  static const double fs[] = {1, 0.8, 0.5, 0.2, 0.1, 0.05, 0.01, 1e-3, 1e-6};
  static const double at[][5] = {{0.5, 0.5, 1, 1, -0.5},
                                 {1.2, 0.5, 1, 1, -0.5},
                                 {1, 0.2, 2, 0.5, -1},
                                 {2, 0.1, 0, 1, -0.5},
                                 {0.5, 1, 1, 2, 0.3}};
  char name[80];
  size_t i;
  double a, t, alpha;
  for (i = 0; i < 9; i++) {
    CHECK(hfy_rate_capacity(fs[i], &a, &t, NULL) == HFY_OK);
    snprintf(name, sizeof name, "D.theta0(f=%g)", fs[i]);
    golden(name, t, 1e-10, 1e-15);
    snprintf(name, sizeof name, "D.alpha_C(f=%g)", fs[i]);
    golden(name, a, 1e-10, 0);
    { /* M11: the printed equation */
      const double f = fs[i], H = 0.5 * erfc(t / sqrt(2)), h = exp(-t * t / 2) / sqrt(8 * atan(1));
      CHECK(fabs(a * (f * t * t + f + (1 - f) * ((t * t + 1) * H - t * h)) - 1) < 1e-13);
      CHECK_NEAR(f * t + (1 - f) * (t * H - h), 0, 1e-15);
    }
  }
  for (i = 0; i < 5; i++) {
    hfy_rate one = unit(at[i][3], 0, at[i][4]);
    hfy_rate_replica r;
    CHECK(hfy_rate_solve_replica(&one, at[i][2], at[i][1], at[i][0], &r, NULL) == HFY_OK);
    snprintf(name, sizeof name, "D(a=%g,f=%g,CV=%g,n=%g,th=%g)", at[i][0], at[i][1], at[i][2], at[i][3], at[i][4]);
    tagged(name, "q", r.q, 1e-10, 0);
    tagged(name, "theta0", r.theta0, 1e-10, 0);
    tagged(name, "m", r.m, 1e-10, 0);
  }
  { /* rates that hardly vary: their variance must not cancel; alpha/(1 - alpha) var g^-1 / var r = 1 */
    hfy_rate one = unit(1, 0, 0);
    hfy_rate_replica r;
    CHECK(hfy_rate_solve_replica(&one, 1e-9, 1, 0.5, &r, NULL) == HFY_OK);
    CHECK_NEAR(r.q, 1, 1e-12);
  }
  for (alpha = 0.1; alpha < 1; alpha += 0.2) { /* M12: f = 1 is eq. 6 and 7, soft units too */
    hfy_rate one = unit(0.9, 0.6, 0.2);
    hfy_rate_averages av;
    hfy_rate_load load;
    hfy_rate_replica r;
    CHECK(hfy_rate_theory(&one, 1.5, 0, &av, NULL) == HFY_OK);
    CHECK(hfy_rate_at_load(&av, alpha, &load, NULL) == HFY_OK);
    CHECK(hfy_rate_solve_replica(&one, 1.5, 1, alpha, &r, NULL) == HFY_OK);
    CHECK(fabs(r.q / load.weight_norm - 1) < 1e-10);
    CHECK(fabs(r.m / load.weight_sum - 1) < 1e-10);
  }
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* x <- A^-1 x by elimination with pivots: the tests' own */
static void solve(double *a, size_t n, double *x, size_t columns) {
  size_t i, j, k;
  for (k = 0; k < n; k++) {
    size_t p = k;
    for (i = k; i < n; i++)
      if (fabs(a[i * n + k]) > fabs(a[p * n + k])) p = i;
    for (j = 0; j < n; j++) {
      const double s = a[k * n + j];
      a[k * n + j] = a[p * n + j], a[p * n + j] = s;
    }
    for (j = 0; j < columns; j++) {
      const double s = x[k * columns + j];
      x[k * columns + j] = x[p * columns + j], x[p * columns + j] = s;
    }
    for (i = 0; i < n; i++) {
      const double f = i == k ? 0 : a[i * n + k] / a[k * n + k];
      if (f == 0) continue;
      for (j = k; j < n; j++) a[i * n + j] -= f * a[k * n + j];
      for (j = 0; j < columns; j++) x[i * columns + j] -= f * x[k * columns + j];
    }
  }
  for (k = 0; k < n; k++)
    for (j = 0; j < columns; j++) x[k * columns + j] /= a[k * n + k];
}

static double normal(hfy_rng *rng) {
  const double u = hfy_rng_uniform(rng), v = hfy_rng_uniform(rng);
  return sqrt(-2 * log(1 - u)) * cos(8 * atan(1) * v);
}

TEST(circular_law_is_golden) {
  const size_t n = 200, p = 100;
  hfy_rng rng = hfy_rng_seed(31);
  double *x = doubles(n * p), *y = doubles(n * p), *yy = doubles(p * p), *yx = doubles(p * p), *re = doubles(p),
         *im = doubles(p), *far = doubles(p), top = -9;
  hfy_rate_disc disc;
  size_t i, mu, nu;
  for (mu = 0; mu < p; mu++)
    for (i = 0; i < n; i++) {
      const double z1 = normal(&rng), z2 = normal(&rng);
      y[mu * n + i] = 2 * z1;
      x[mu * n + i] = 0.5 * z1 + sqrt(0.75) * z2;
    }
  for (mu = 0; mu < p; mu++)
    for (nu = 0; nu < p; nu++)
      for (i = 0; i < n; i++)
        yy[mu * p + nu] += y[mu * n + i] * y[nu * n + i], yx[mu * p + nu] += y[mu * n + i] * x[nu * n + i];
  solve(yy, p, yx, p);
  CHECK(hfy_eigenvalues(yx, p, re, im, NULL) == HFY_OK);
  CHECK(hfy_rate_circular_law(0.5, 0.5, 1, 2, 0, &disc, NULL) == HFY_OK);
  for (mu = 0; mu < p; mu++) {
    far[mu] = hypot(re[mu] - disc.centre, im[mu]);
    if (re[mu] > top) top = re[mu];
  }
  qsort(far, p, sizeof *far, ascending);
  golden("H.theory centre", disc.centre, 1e-12, 0);
  golden("H.theory radius", disc.radius, 1e-12, 0);
  golden("H.theory median(|l-c|)/radius", disc.median / disc.radius, 1e-12, 0);
  golden("H.mean Re lambda (= trace/P)", total(re, p) / (double)p, 1e-8, 0);
  golden("H.max Re lambda", top, 1e-8, 0);
  golden("H.median |l-c| / radius", 0.5 * (far[p / 2 - 1] + far[p / 2]) / disc.radius, 1e-8, 0);
  golden("H.max |l-c| / radius", far[p - 1] / disc.radius, 1e-8, 0);
  CHECK(hfy_rate_circular_law(0.3, 0.4, 1, 2, 1, &disc, NULL) == HFY_OK);
  CHECK_NEAR(disc.centre, -0.8, 1e-14);
  top = disc.alpha_s;
  CHECK(hfy_rate_circular_law(top, 0.4, 1, 2, 1, &disc, NULL) == HFY_OK);
  CHECK_NEAR(disc.lambda_plus, 0, 1e-12); /* M14 */
  CHECK(hfy_rate_circular_law(0.3, 1, 1, 2, 1, &disc, NULL) == HFY_OK);
  CHECK_NEAR(disc.alpha_s, 1, 1e-14); /* tau = 1: at every load */
  CHECK(hfy_rate_circular_law(0.3, 1, 1, 1, 1, &disc, NULL) == HFY_OK);
  CHECK_EQ(disc.alpha_s, 0);
  CHECK(hfy_rate_circular_law(0.3, 0.9, 3, 1, 1, &disc, NULL) == HFY_OK);
  CHECK_EQ(disc.alpha_s, 0);
  free(x), free(y), free(yy), free(yx), free(re), free(im), free(far);
}

/* --- dense weights --- */

/* max |W R - V| */
static double defect(const hfy_rate *one, const double *r, size_t count, size_t dim, const double *w) {
  double worst = 0;
  size_t mu, i, j;
  for (mu = 0; mu < count; mu++)
    for (i = 0; i < dim; i++) {
      double u = -hfy_rate_inverse(one, r[mu * dim + i]) - one->theta;
      for (j = 0; j < dim; j++) u += w[i * dim + j] * r[mu * dim + j];
      if (!(fabs(u) <= worst)) worst = fabs(u);
    }
  return worst;
}

static const struct {
  const char *tag;
  uint64_t seed;
  size_t dim, count;
  double power, sigma, cv, theta;
  int star;
} dense[] = {{"E1", 1, 50, 15, 1, 1, 1, 0, 1},
             {"E2", 2, 100, 30, 1, 1, 2, 0, 1},
             {"E3", 3, 100, 20, 1.5, 0.5, 1, -0.5, 0},
             {"E4", 4, 50, 45, 0.8, 0.3, 0.5, 0.25, 0},
             {"E5", 5, 100, 10, 1, 1, 2, 0, 1}};

TEST(dense_problems_are_golden) {
  size_t c, i;
  for (c = 0; c < 5; c++) {
    const size_t n = dense[c].dim, p = dense[c].count;
    const char *tag = dense[c].tag;
    double *r = patterns(dense[c].seed, p, n, dense[c].cv, 1), *w = doubles(n * n), *own = doubles(n * n),
           *j = doubles(n * n), *re = doubles(n), *im = doubles(n), *a = doubles(p), index, trace = 0, mean = 0;
    hfy_rate one = unit(dense[c].power, dense[c].sigma, dense[c].theta);
    hfy_rate_modes modes;
    size_t stable, k;
    if (dense[c].star) one.theta = theta_star(one.power, one.sigma, dense[c].cv);
    CHECK(hfy_rate_weights(&one, r, p, n, 1, own, NULL) == HFY_OK);
    CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
    CHECK(defect(&one, r, p, n, w) < 1e-10 * 100 && defect(&one, r, p, n, own) < 1e-10 * 100); /* M4 */
    for (i = 0; i < n; i++) {
      CHECK_EQ(w[i * n + i], 0);
      trace += own[i * n + i];
    }
    tagged(tag, "theta", one.theta, 1e-8, 0);
    tagged(tag, "sum R", total(r, n * p), 1e-8, 0);
    tagged(tag, "R[N-1,P-1]", r[n * p - 1], 1e-8, 0);
    tagged(tag, "||W_sc||_F", norm(own, n * n), 1e-8, 0);
    tagged(tag, "trace W_sc", trace, 1e-8, 0);
    tagged(tag, "||W||_F", norm(w, n * n), 1e-8, 0);
    tagged(tag, "sum W", total(w, n * n), 1e-8, 0);
    tagged(tag, "W[0,1]", w[1], 1e-8, 0);
    tagged(tag, "asymmetry W", hfy_rate_asymmetry(w, n), 1e-8, 0);
    CHECK(hfy_rate_spectrum(&one, own, r, n, re, im, NULL, NULL) == HFY_OK);
    tagged(tag, "abscissa J_0 (W_sc)", re[0], 1e-8, 0);
    CHECK(hfy_rate_spectrum(&one, w, r, n, re, im, &modes, NULL) == HFY_OK);
    tagged(tag, "abscissa J_0", re[0], 1e-8, 0);
    CHECK_EQ(modes.abscissa, re[0]);
    CHECK(hfy_rate_jacobian(&one, w, r, n, j, NULL) == HFY_OK);
    for (i = 0; i < n; i++)
      for (k = 0; k < n; k++)
        CHECK_NEAR(j[i * n + k], hfy_rate_slope_at(&one, r[i]) * w[i * n + k] - (i == k), 1e-14);
    CHECK(hfy_rate_henrici(j, n, &index, NULL) == HFY_OK);
    tagged(tag, "henrici J_0", index, 1e-8, 0);
    CHECK(hfy_rate_stability(&one, w, r, p, n, a, &stable, NULL) == HFY_OK);
    for (i = 0; i < p; i++) mean += a[i] / (double)p;
    tagged(tag, "mean_mu abscissa", mean, 1e-8, 0);
    qsort(a, p, sizeof *a, ascending);
    tagged(tag, "max_mu abscissa", a[p - 1], 1e-8, 0);
    tagged(tag, "stable patterns", (double)stable, 0, 0);
    free(r), free(w), free(own), free(j), free(re), free(im), free(a);
  }
}

/* M5: each row is the least-norm solution with its own unit left out: Y^T (Y Y^T)^-1 v by plain elimination */
TEST(dense_rows_have_least_norm) {
  const size_t n = 24, p = 17;
  double *r = patterns(61, p, n, 0.8, 1), *w = doubles(n * n), *gram = doubles(p * p), *x = doubles(p);
  hfy_rate one = unit(1.1, 0.6, -0.4);
  size_t i, j, mu, nu;
  CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
  for (i = 0; i < n; i++) {
    for (mu = 0; mu < p; mu++) {
      x[mu] = hfy_rate_inverse(&one, r[mu * n + i]) + one.theta;
      for (nu = 0; nu < p; nu++) {
        gram[mu * p + nu] = 0;
        for (j = 0; j < n; j++)
          if (j != i) gram[mu * p + nu] += r[mu * n + j] * r[nu * n + j];
      }
    }
    solve(gram, p, x, 1);
    for (j = 0; j < n; j++) {
      double least = 0;
      for (mu = 0; mu < p; mu++) least += x[mu] * r[mu * n + j];
      CHECK_NEAR(w[i * n + j], j == i ? 0 : least, 1e-9);
    }
  }
  free(r), free(w), free(gram), free(x);
}

TEST(dense_weights_near_capacity) {
  static const size_t size[][2] = {{100, 90}, {100, 97}, {100, 99}, {60, 59}, {2, 1}, {7, 6}};
  size_t c;
  for (c = 0; c < 6; c++) {
    const size_t n = size[c][0], p = size[c][1];
    double *r = patterns(200 + c, p, n, 1, 1), *w = doubles(n * n);
    hfy_rate one = unit(1, 1, -0.9);
    CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
    CHECK(defect(&one, r, p, n, w) < 1e-10 * (1 + norm(w, n * n)));
    free(r), free(w);
  }
  { /* as many as there are units, with self-coupling: W = V R^-1 */
    double *r = patterns(300, 20, 20, 1, 1), *w = doubles(400);
    hfy_rate one = unit(1, 1, -0.9);
    CHECK(hfy_rate_weights(&one, r, 20, 20, 1, w, NULL) == HFY_OK);
    CHECK(defect(&one, r, 20, 20, w) < 1e-9);
    free(r), free(w);
  }
  { /* one pattern: w_i = v_i r / |r|^2 without its own */
    double *r = patterns(301, 1, 9, 1, 1), *w = doubles(81), square = 0;
    hfy_rate one = unit(1.4, 0.3, 0.2);
    size_t i, j;
    CHECK(hfy_rate_weights(&one, r, 1, 9, 0, w, NULL) == HFY_OK);
    for (i = 0; i < 9; i++) square += r[i] * r[i];
    for (i = 0; i < 9; i++)
      for (j = 0; j < 9; j++)
        CHECK_NEAR(w[i * 9 + j],
                   i == j ? 0 : (hfy_rate_inverse(&one, r[i]) + 0.2) * r[j] / (square - r[i] * r[i]), 1e-13);
    free(r), free(w);
  }
}

/* M7, M9, M10 */
TEST(dense_identities) {
  const size_t n = 30, p = 9;
  double *r = patterns(71, p, n, 1, 1), *w = doubles(n * n), *re = doubles(n), *im = doubles(n), *re2 = doubles(n),
         *im2 = doubles(n), *big = doubles(n * p), *gram = doubles(p * p), *b = doubles(p * p);
  hfy_rate one = unit(1, 0, 0.3), two;
  size_t i, mu, nu, zeros = 0, stable;
  CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
  CHECK(hfy_rate_spectrum(&one, w, r, n, re, im, NULL, NULL) == HFY_OK);
  for (i = 0; i < n; i++) zeros += fabs(re[i]) < 1e-9 && fabs(im[i]) < 1e-9;
  CHECK(zeros >= p - 1);
  CHECK(hfy_rate_stability(&one, w, r, p, n, NULL, &stable, NULL) == HFY_OK);
  CHECK_EQ(stable, 0); /* marginal is not stable, whatever rounding says */
  one = unit(1.7, 0, -0.4), two = unit(1.7, 0, -0.4 * pow(3, 1 / 1.7));
  for (i = 0; i < n * p; i++) big[i] = 3 * r[i];
  CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
  CHECK(hfy_rate_spectrum(&one, w, r, n, re, im, NULL, NULL) == HFY_OK);
  CHECK(hfy_rate_weights(&two, big, p, n, 0, w, NULL) == HFY_OK);
  CHECK(hfy_rate_spectrum(&two, w, big, n, re2, im2, NULL, NULL) == HFY_OK);
  for (i = 0; i < n; i++) CHECK_NEAR(re2[i], re[i], 1e-9);
  one = unit(1.2, 0.7, -0.5);
  CHECK(hfy_rate_weights(&one, r, p, n, 1, w, NULL) == HFY_OK);
  CHECK(hfy_rate_spectrum(&one, w, r + n, n, re, im, NULL, NULL) == HFY_OK);
  for (mu = 0; mu < p; mu++) /* (R^T R)^-1 R^T D V */
    for (nu = 0; nu < p; nu++)
      for (i = 0, gram[mu * p + nu] = b[mu * p + nu] = 0; i < n; i++) {
        gram[mu * p + nu] += r[mu * n + i] * r[nu * n + i];
        b[mu * p + nu] += r[mu * n + i] * hfy_rate_slope_at(&one, r[n + i]) *
                          (hfy_rate_inverse(&one, r[nu * n + i]) + one.theta);
      }
  solve(gram, p, b, p);
  CHECK(hfy_eigenvalues(b, p, re2, im2, NULL) == HFY_OK);
  for (mu = 0; mu < p; mu++) {
    double near = 9;
    for (i = 0; i < n; i++) near = fmin(near, hypot(re[i] + 1 - re2[mu], im[i] - im2[mu]));
    CHECK(near < 1e-9);
  }
  for (i = 0, zeros = 0; i < n; i++) zeros += hypot(re[i] + 1, im[i]) < 1e-9;
  CHECK(zeros >= n - p);
  free(r), free(w), free(re), free(im), free(re2), free(im2), free(big), free(gram), free(b);
}

/* the same map as weights and as a net, and its fixed points stand still in both */
TEST(the_net_is_the_network) {
  const size_t n = 40, p = 12;
  int self;
  for (self = 0; self < 2; self++) {
    double *r = patterns(81, p, n, 1, 1), *w = doubles(n * n), *x = doubles(3 * n), worst = 0, moved = 0;
    hfy_real *keys = (hfy_real *)calloc(n * p, sizeof *keys), *values = (hfy_real *)calloc(n * p, sizeof *keys);
    hfy_real gamma[40], q[120], out[120], back[40];
    hfy_rate one = unit(1.1, 0.9, -0.6);
    hfy_rng rng = hfy_rng_seed(4);
    hfy_net net;
    size_t i, j, s;
    CHECK(hfy_rate_weights(&one, r, p, n, self, w, NULL) == HFY_OK);
    CHECK(hfy_rate_net(&one, r, p, n, self, 0.25, keys, values, gamma, &net, NULL) == HFY_OK);
    for (i = 0; i < n; i++) CHECK(self ? (double)gamma[i] == 0 : (double)gamma[i] != 0);
    for (i = 0; i < 3 * n; i++) x[i] = r[i] * exp(0.4 * normal(&rng)), q[i] = (hfy_real)x[i], x[i] = (double)q[i];
    CHECK(hfy_retrieve(&net, q, 3, out, NULL, NULL) == HFY_OK);
    for (s = 0; s < 3; s++)
      for (i = 0; i < n; i++) {
        double u = 0, f;
        for (j = 0; j < n; j++) u += w[i * n + j] * x[s * n + j];
        f = x[s * n + i] + 0.25 * (hfy_rate_g(&one, u - one.theta) - x[s * n + i]);
        worst = fmax(worst, fabs((double)out[s * n + i] - f) / (1 + fabs(f)));
      }
    CHECK(worst < (sizeof(hfy_real) == 4 ? 3e-5 : 1e-12));
    for (i = 0; i < n; i++) q[i] = (hfy_real)r[i];
    CHECK(hfy_retrieve(&net, q, 1, back, NULL, NULL) == HFY_OK);
    for (i = 0; i < n; i++) moved = fmax(moved, fabs((double)back[i] - (double)q[i]) / (1 + r[i]));
    CHECK(moved < (sizeof(hfy_real) == 4 ? 3e-5 : 1e-12));
    { /* many steps of both: explicit Euler is the leaky step */
      net.max_steps = 40;
      for (i = 0; i < n; i++) q[i] = (hfy_real)x[i];
      CHECK(hfy_retrieve(&net, q, 1, out, NULL, NULL) == HFY_OK);
      for (s = 0; s < 40; s++) {
        for (i = 0; i < n; i++) {
          double u = 0;
          for (j = 0; j < n; j++) u += w[i * n + j] * x[j];
          x[n + i] = x[i] + 0.25 * (hfy_rate_g(&one, u - one.theta) - x[i]);
        }
        memcpy(x, x + n, n * sizeof *x);
      }
      for (i = 0; i < n; i++) CHECK_NEAR(out[i], x[i], sizeof(hfy_real) == 4 ? 1e-3 : 1e-10);
    }
    free(r), free(w), free(x), free(keys), free(values);
  }
}

/* --- spectra --- */

/* The mode that is picked is an eigenpair, and no other looks more like the pattern. */
TEST(modes_are_eigenvectors) {
  const size_t n = 40, p = 6;
  double *r = patterns(83, p, n, 1, 1), *w = doubles(n * n), *j = doubles(n * n), *re = doubles(n), *im = doubles(n),
         *vr = doubles(n * n), *vi = doubles(n * n), *residual = doubles(n);
  hfy_rate one = unit(1.3, 0.5, -0.4);
  hfy_rate_modes m;
  size_t k, i, best = 0;
  double top = -1, bulk = -9, flat = -1;
  CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
  CHECK(hfy_rate_spectrum(&one, w, r, n, re, im, &m, NULL) == HFY_OK);
  CHECK(hfy_rate_jacobian(&one, w, r, n, j, NULL) == HFY_OK);
  CHECK(hfy_eigenvectors(j, n, re, im, n, vr, vi, residual, NULL) == HFY_OK);
  for (k = 0; k < n; k++) {
    double mean = total(r, n) / (double)n, mr = total(vr + k * n, n) / (double)n, mi = total(vi + k * n, n) / (double)n;
    double cr = 0, ci = 0, uu = 0, rr = 0;
    CHECK(residual[k] < 1e-13);
    for (i = 0; i < n; i++) {
      cr += (vr[k * n + i] - mr) * (r[i] - mean), ci += (vi[k * n + i] - mi) * (r[i] - mean);
      uu += (vr[k * n + i] - mr) * (vr[k * n + i] - mr) + (vi[k * n + i] - mi) * (vi[k * n + i] - mi);
      rr += (r[i] - mean) * (r[i] - mean);
    }
    cr = sqrt((cr * cr + ci * ci) / (uu * rr));
    if (cr > top + 1e-9) top = cr, best = k;
  }
  CHECK_EQ(m.memory, best);
  CHECK_NEAR(m.correlation, top, 1e-9);
  for (k = 0; k < n; k++) {
    const double of = hypot(total(vr + k * n, n), total(vi + k * n, n)) / sqrt((double)n);
    if (k != m.memory && !(im[k] == -im[m.memory] && re[k] == re[m.memory])) flat = fmax(flat, of);
    if (k == m.average) CHECK_NEAR(of, m.overlap, 1e-9);
    if (re[k] != re[m.memory] && re[k] != re[m.average]) bulk = fmax(bulk, re[k]);
  }
  CHECK_NEAR(m.overlap, flat, 1e-9);
  CHECK_NEAR(m.bulk, bulk, 1e-12);
  free(r), free(w), free(j), free(re), free(im), free(vr), free(vi), free(residual);
}

/* --- sparse weights --- */

static const struct {
  const char *tag;
  uint64_t seed;
  size_t dim, count;
  double f, cv, power, theta;
} sparse[] = {
  {"F1", 11, 50, 25, 0.5, 1, 1, -1}, {"F2", 12, 60, 72, 0.3, 1, 1, -0.5}, {"F3", 13, 40, 8, 0.2, 0.5, 0.5, -0.75}};

/* Karush, Kuhn, Tucker of every feasible row: stationary, feasible, multipliers of the right sign, complementary. */
static void optimal(const hfy_rate *one, const double *r, size_t count, size_t dim, double margin, const double *w,
                    const hfy_rate_rows *rows) {
  size_t i, j, mu;
  for (i = 0; i < dim; i++) {
    const double *lambda = rows->multipliers + i * count;
    double size = 1 + norm(w + i * dim, dim);
    size_t active = 0;
    if (rows->status[i]) {
      CHECK_EQ(norm(w + i * dim, dim), 0);
      continue;
    }
    CHECK_EQ(w[i * dim + i], 0);
    for (j = 0; j < dim; j++) {
      double sum = 0;
      for (mu = 0; mu < count; mu++) sum += lambda[mu] * r[mu * dim + j];
      if (j != i) CHECK(fabs(sum - w[i * dim + j]) <= 1e-10 * size);
    }
    for (mu = 0; mu < count; mu++) {
      double u = 0;
      for (j = 0; j < dim; j++) u += w[i * dim + j] * r[mu * dim + j];
      if (r[mu * dim + i] > 0) {
        CHECK(fabs(u - one->theta - hfy_rate_inverse(one, r[mu * dim + i])) <= 1e-9 * size);
      } else {
        CHECK(u <= one->theta - margin + 1e-9 * size);
        CHECK(lambda[mu] <= 1e-9 * size);
        if (lambda[mu] != 0) CHECK(fabs(u - one->theta + margin) <= 1e-9 * size), active++;
      }
    }
    CHECK_EQ(active, rows->active[i]);
  }
}

static void sparse_rows(hfy_rate_rows *rows, size_t count, size_t dim) {
  rows->status = (hfy_status *)calloc(dim, sizeof *rows->status);
  rows->active = (size_t *)calloc(dim, sizeof *rows->active);
  rows->multipliers = doubles(count * dim);
}

static void rows_free(hfy_rate_rows *rows) { free(rows->status), free(rows->active), free(rows->multipliers); }

TEST(sparse_problems_are_golden) {
  size_t c, i;
  for (c = 0; c < 3; c++) {
    const size_t n = sparse[c].dim, p = sparse[c].count;
    const char *tag = sparse[c].tag;
    double *r = patterns(sparse[c].seed, p, n, sparse[c].cv, sparse[c].f), *w = doubles(n * n),
           *re = doubles(n), *im = doubles(n), nonzero = 0, mean = 0, active = 0, bad = 0;
    hfy_rate one = unit(sparse[c].power, 0, sparse[c].theta);
    hfy_rate_rows rows;
    hfy_rate_modes modes;
    size_t below = 0, silent = 0, ones = 0;
    sparse_rows(&rows, p, n);
    CHECK(hfy_rate_weights_sparse(&one, r, p, n, 0, w, &rows, NULL) == HFY_OK);
    optimal(&one, r, p, n, 0, w, &rows);
    for (i = 0; i < n * p; i++) nonzero += r[i] > 0;
    for (i = 0; i < n; i++)
      active += (double)rows.active[i], bad += rows.status[i] != HFY_OK, silent += !(r[i] > 0);
    tagged(tag, "nonzeros of R", nonzero, 0, 0);
    tagged(tag, "infeasible rows", bad, 0, 0);
    tagged(tag, "||W||_F", norm(w, n * n), 1e-7, 0);
    tagged(tag, "sum W", total(w, n * n), 1e-7, 0);
    tagged(tag, "active inequalities", active, 0, 0);
    for (i = p; i-- > 0;) { /* the paper's, with slope 0 for all silent units */
      CHECK(hfy_rate_spectrum(&one, w, r + i * n, n, re, im, &modes, NULL) == HFY_OK);
      CHECK_NEAR(re[0], modes.abscissa, 1e-12);
      mean += re[0] / (double)p, below += re[0] < 0;
    }
    tagged(tag, "abscissa_0", re[0], 1e-7, 0);
    tagged(tag, "mean_mu abscissa", mean, 1e-7, 0);
    tagged(tag, "stable patterns", (double)below, 0, 0);
    CHECK(modes.memory < n && modes.average < n && modes.correlation <= 1 + 1e-12);
    for (i = 0; i < n; i++) ones += re[i] == -1 && im[i] == 0;
    CHECK(ones >= silent);
    free(r), free(w), free(re), free(im), rows_free(&rows);
  }
}

TEST(feasible_rows_are_golden) {
  static const size_t counts[] = {40, 52, 58, 64, 76};
  char name[80];
  size_t c, i;
  for (c = 0; c < 5; c++) {
    const size_t p = counts[c];
    double *r = patterns(14, p, 40, 1, 0.5), *w = doubles(1600), good = 0;
    hfy_rate one = unit(1, 0, -0.5);
    hfy_rate_rows rows;
    hfy_status status;
    sparse_rows(&rows, p, 40);
    status = hfy_rate_weights_sparse(&one, r, p, 40, 0, w, &rows, NULL);
    for (i = 0; i < 40; i++)
      good += rows.status[i] == HFY_OK, CHECK(rows.status[i] == HFY_OK || rows.status[i] == HFY_ERR_INFEASIBLE);
    CHECK(status == (good < 40 ? HFY_ERR_INFEASIBLE : HFY_OK));
    snprintf(name, sizeof name, "F4.feasible rows P=%d", (int)p);
    golden(name, good, 0, 0);
    optimal(&one, r, p, 40, 0, w, &rows);
    free(r), free(w), rows_free(&rows);
  }
}

/* many random problems, some with a margin, some with duplicates, some with silent units and patterns */
TEST(sparse_rows_are_optimal) {
  uint64_t seed;
  for (seed = 0; seed < 60; seed++) {
    const size_t n = 6 + (size_t)(seed % 17), p = 2 + (size_t)(seed * 7 % 23);
    double *r = patterns(400 + seed, p, n, 0.3 + 0.2 * (double)(seed % 5), 0.15 + 0.2 * (double)(seed % 4)),
           *w = doubles(n * n);
    const double margin = seed % 3 ? 0 : 0.05;
    hfy_rate one = unit(0.6 + 0.3 * (double)(seed % 4), 0, 0.1 - 0.3 * (double)(seed % 6));
    hfy_rate_rows rows;
    hfy_status status;
    size_t i;
    if (seed % 5 == 1 && p > 3) memcpy(r + n, r, n * sizeof *r); /* a pattern twice: a redundant constraint */
    if (seed % 5 == 2)
      for (i = 0; i < p; i++) r[i * n + 1] = 0;       /* a unit that is always silent */
    if (seed % 7 == 3) memset(r + n, 0, n * sizeof *r); /* an empty pattern */
    sparse_rows(&rows, p, n);
    status = hfy_rate_weights_sparse(&one, r, p, n, margin, w, &rows, NULL);
    CHECK(status == HFY_OK || status == HFY_ERR_INFEASIBLE);
    if (seed % 7 == 3 && one.theta - margin < 0) CHECK(status == HFY_ERR_INFEASIBLE);
    optimal(&one, r, p, n, margin, w, &rows);
    free(r), free(w), rows_free(&rows);
  }
}

TEST(silence_needs_a_threshold) {
  const size_t n = 12, p = 3;
  double *r = patterns(98, p, n, 1, 0.5), *w = doubles(n * n);
  hfy_rate one = unit(1, 0, -0.2);
  hfy_work work;
  size_t i;
  memset(&work, 0, sizeof work);
  CHECK(hfy_rate_weights_sparse(&one, r, p, n, 0.1, w, NULL, &work) == HFY_OK);
  for (i = n; i < 2 * n; i++) r[i] = 0;
  CHECK_FAILS(hfy_rate_weights_sparse(&one, r, p, n, 0.1, w, NULL, &work), HFY_ERR_INFEASIBLE, &work,
              "pattern 1 is all 0, and theta - margin is -0.3");
  one.theta = 0.1;
  CHECK(hfy_rate_weights_sparse(&one, r, p, n, 0.1, w, NULL, &work) == HFY_OK);
  hfy_work_free(&work);
  free(r), free(w);
}

/* A mode that is uniform but for a trace of the pattern is the average's, whatever Pearson says of it. */
TEST(a_uniform_mode_is_not_the_memory) {
  enum { n = 8 };
  double w[n * n], r[n], u[n], re[n], im[n];
  const hfy_rate one = unit(1, 0, -0.1);
  hfy_rate_modes m;
  size_t i, j;
  for (i = 0; i < n; i++) r[i] = i % 2 ? 1.5 : 0.5, u[i] = 1 + 0.1 * (r[i] - 1);
  for (i = 0; i < n; i++) /* 3 along u, 2 along r - 1: left eigenvectors are 1 and r - 1 - 0.025 */
    for (j = 0; j < n; j++) w[i * n + j] = 3 * u[i] / n + 2 * (r[i] - 1) * ((r[j] - 1) / 2 - 0.0125);
  CHECK(hfy_rate_spectrum(&one, w, r, n, re, im, &m, NULL) == HFY_OK);
  CHECK_NEAR(re[0], 2, 1e-9), CHECK_NEAR(re[1], 1, 1e-9);
  CHECK(m.average == 0 && m.memory == 1);
  CHECK(m.correlation > 0.99 && m.overlap > 0.99);
}

TEST(dense_patterns_are_the_case_without_inequalities) {
  const size_t n = 30, p = 21;
  double *r = patterns(91, p, n, 1, 1), *w = doubles(n * n), *v = doubles(n * n);
  hfy_rate one = unit(1.3, 0, -0.7);
  size_t i;
  CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
  CHECK(hfy_rate_weights_sparse(&one, r, p, n, 0, v, NULL, NULL) == HFY_OK);
  for (i = 0; i < n * n; i++) CHECK_NEAR(v[i], w[i], 1e-8);
  free(r), free(w), free(v);
  r = patterns(92, n, n, 1, 1), w = doubles(n * n); /* P = N: no row has a solution, and rounding must not find one */
  {
    hfy_rate_rows rows;
    sparse_rows(&rows, n, n);
    CHECK(hfy_rate_weights_sparse(&one, r, n, n, 0, w, &rows, NULL) == HFY_ERR_INFEASIBLE);
    for (i = 0; i < n; i++) CHECK(rows.status[i] == HFY_ERR_INFEASIBLE);
    rows_free(&rows);
  }
  free(r), free(w);
}

/* what is marginal is not stable, whichever way rounding falls */
TEST(marginal_is_not_stable) {
  const size_t n = 20, p = 5;
  uint64_t seed;
  for (seed = 0; seed < 12; seed++) {
    double *r = patterns(700 + seed, p, n, 1, 1), *w = doubles(n * n);
    hfy_rate one = unit(1, 0, -0.5);
    size_t stable = 9;
    CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
    CHECK(hfy_rate_stability(&one, w, r, p, n, NULL, &stable, NULL) == HFY_OK);
    CHECK_EQ(stable, 0);
    free(r), free(w);
  }
}

/* Are 4 starts 1e-5 off pattern r back at time 150? */
static int come_back(const hfy_rate *one, const double *w, const double *r, size_t n) {
  double start[4 * 60], end[4 * 60];
  hfy_rate_options o;
  hfy_rng rng = hfy_rng_seed(5);
  size_t i, k, back = 0;
  memset(&o, 0, sizeof o);
  o.duration = 150, o.tol = -1, o.dt = 0.1;
  for (i = 0; i < 4 * n; i++) start[i] = fmax(0, r[i % n] + 1e-5 * hfy_rng_normal(&rng));
  (void)hfy_rate_simulate(one, w, n, start, 4, &o, end, NULL, NULL);
  for (k = 0; k < 4; k++) back += distance(end + k * n, r, n) < 1e-3;
  return back == 4;
}

/* Sparse weights without a margin leave silent units on their threshold, where the slope is 0 on one side only. */
TEST(units_on_their_threshold) {
  static const struct {
    double power;
    size_t p;
    double theta[2];              /* the best without and with a margin of .05 */
    size_t below, stable, margin; /* slope 0: negative; stable; the same with the margin */
  } cases[] = {{0.5, 12, {-0.4096, -0.3935}, 12, 0, 12},
               {1, 20, {-0.7294, -0.7213}, 20, 0, 20},
               {2, 12, {-0.8753, -0.8556}, 6, 6, 5}};
  const size_t n = 60;
  size_t c, mu, i, j;
  int margin;
  for (c = 0; c < COUNT(cases); c++)
    for (margin = 0; margin < 2; margin++) {
      const size_t p = cases[c].p;
      double *r = patterns(122, p, n, 0.5, 0.3), *w = doubles(n * n), a[20], re[60], im[60];
      hfy_rate one = unit(cases[c].power, 0, cases[c].theta[margin]);
      size_t tight[20], stable, below = 0, silent = 0, all = 0, lost = 0;
      CHECK(hfy_rate_weights_sparse(&one, r, p, n, 0.05 * margin, w, NULL, NULL) == HFY_OK);
      CHECK(hfy_rate_tight(&one, w, r, p, n, tight, NULL) == HFY_OK);
      CHECK(hfy_rate_stability(&one, w, r, p, n, a, &stable, NULL) == HFY_OK);
      for (mu = 0; mu < p; mu++) {
        hfy_rate_modes m;
        size_t found = 0;
        for (i = 0; i < n; i++) {
          double h = -one.theta;
          for (j = 0; j < n; j++) h += w[i * n + j] * r[mu * n + j];
          found += !(r[mu * n + i] > 0) && h > -1e-7;
          silent += !(r[mu * n + i] > 0);
        }
        CHECK_EQ(tight[mu], found);
        all += found;
        CHECK(hfy_rate_spectrum(&one, w, r + mu * n, n, re, im, &m, NULL) == HFY_OK);
        below += m.abscissa < 0;
        if (one.power < 1 && tight[mu])
          CHECK(a[mu] > DBL_MAX);
        else if (one.power > 1 || !tight[mu])
          CHECK_EQ(a[mu], m.abscissa);
        else
          CHECK(a[mu] > m.abscissa);
        if (mu < 3 && a[mu] < -0.2) CHECK(come_back(&one, w, r + mu * n, n));
        if (mu < 3 && a[mu] > 0) lost += !come_back(&one, w, r + mu * n, n);
      }
      CHECK(margin ? !all : 2 * all > silent);
      CHECK_EQ(below, margin ? cases[c].margin : cases[c].below);
      CHECK_EQ(stable, margin ? cases[c].margin : cases[c].stable);
      CHECK(lost || one.power > 1 || margin);
      free(r), free(w);
    }
}

/* silent units count -1 and have no part in an eigenvector, but they do in its correlation */
TEST(silent_units_in_spectra) {
  static const double w3[9] = {-2, 5, 5, 5, 5, 5, 5, 5, 5}, r3[3] = {1, 0, 0};
  const size_t n = 30, p = 8;
  double *r = patterns(97, p, n, 1, 0.4), *w = doubles(n * n), *j = doubles(n * n), *re = doubles(n), *im = doubles(n);
  double *x = doubles(n), *y = doubles(n), a, cr = 0, ci = 0, uu = 0, rr = 0, mean, mr, mi;
  hfy_rate one = unit(1, 0, -1);
  hfy_rate_modes m;
  size_t i;
  CHECK(hfy_rate_stability(&one, w3, r3, 1, 3, &a, NULL, NULL) == HFY_OK);
  CHECK(a > 12); /* both silent units are driven: r3 is no fixed point */
  one.theta = 6;
  CHECK(hfy_rate_stability(&one, w3, r3, 1, 3, &a, NULL, NULL) == HFY_OK);
  CHECK_EQ(a, -1); /* not the -3 of the unit that is not silent */
  one.theta = -1;
  CHECK(hfy_rate_spectrum(&one, w3, r3, 3, re, im, &m, NULL) == HFY_OK);
  CHECK(re[0] == -1 && re[1] == -1 && re[2] == -3 && m.memory == 2 && m.abscissa == -1);
  CHECK(hfy_rate_weights_sparse(&one, r, p, n, 0, w, NULL, NULL) == HFY_OK);
  CHECK(hfy_rate_spectrum(&one, w, r, n, re, im, &m, NULL) == HFY_OK);
  CHECK(hfy_rate_jacobian(&one, w, r, n, j, NULL) == HFY_OK);
  CHECK(hfy_eigenvectors(j, n, re + m.memory, im + m.memory, 1, x, y, NULL, NULL) == HFY_OK);
  mean = total(r, n) / (double)n, mr = total(x, n) / (double)n, mi = total(y, n) / (double)n;
  for (i = 0; i < n; i++) {
    if (!(r[i] > 0)) CHECK(fabs(x[i]) + fabs(y[i]) < 1e-12);
    cr += (x[i] - mr) * (r[i] - mean), ci += (y[i] - mi) * (r[i] - mean);
    uu += (x[i] - mr) * (x[i] - mr) + (y[i] - mi) * (y[i] - mi);
    rr += (r[i] - mean) * (r[i] - mean);
  }
  CHECK_NEAR(sqrt((cr * cr + ci * ci) / (uu * rr)), m.correlation, 1e-9);
  free(r), free(w), free(j), free(re), free(im), free(x), free(y);
}

/* P = N dense patterns have no solution without self-coupling, in no row: rounding must not find one */
TEST(no_row_has_more_constraints_than_weights) {
  uint64_t seed;
  for (seed = 0; seed < 20; seed++) {
    const size_t n = 20 + 2 * (size_t)seed;
    double *r = patterns(720 + seed, n, n, 1, 1), *w = doubles(n * n);
    hfy_rate one = unit(1, 0, -0.5);
    hfy_rate_rows rows;
    size_t i;
    sparse_rows(&rows, n, n);
    CHECK(hfy_rate_weights_sparse(&one, r, n, n, 0, w, &rows, NULL) == HFY_ERR_INFEASIBLE);
    for (i = 0; i < n; i++) CHECK(rows.status[i] == HFY_ERR_INFEASIBLE);
    free(r), free(w), rows_free(&rows);
  }
}

/* rows of huge norm, close to the capacity: what is active holds to the last digits */
TEST(sparse_rows_are_polished) {
  const size_t n = 60, p = 84;
  double *r = patterns(741, p, n, 1, 0.5), *w = doubles(n * n), worst = 0;
  hfy_rate one = unit(1, 0, -0.5);
  hfy_rate_rows rows;
  size_t i, j, mu, good = 0;
  sparse_rows(&rows, p, n);
  (void)hfy_rate_weights_sparse(&one, r, p, n, 0, w, &rows, NULL);
  for (i = 0; i < n; i++) {
    if (rows.status[i]) continue;
    good++;
    for (mu = 0; mu < p; mu++) {
      double size = 1, u = -one.theta - (r[mu * n + i] > 0 ? r[mu * n + i] : 0);
      for (j = 0; j < n; j++) u += w[i * n + j] * r[mu * n + j], size += fabs(w[i * n + j] * r[mu * n + j]);
      if (rows.multipliers[i * p + mu] != 0) worst = fmax(worst, fabs(u) / size);
    }
  }
  CHECK(good >= 5);
  CHECK(worst < 5e-12);
  if (!(worst < 5e-12)) printf("      (%g)\n", worst);
  free(r), free(w), rows_free(&rows);
}

/* --- thresholds --- */

TEST(threshold_search_is_golden) {
  const size_t n = 50, p = 15;
  double *r = patterns(1, p, n, 1, 1), *w = doubles(n * n), *a = doubles(p), theta, best, other;
  hfy_rate one = unit(1, 1, 0);
  hfy_rate_averages t;
  hfy_rate_search search;
  char name[80];
  double lo, hi;
  int k;
  CHECK(hfy_rate_theory(&one, 1, 1, &t, NULL) == HFY_OK);
  lo = t.theta - 2, hi = t.theta_ave;
  for (k = 0; k <= 16; k += 4) {
    double mean = 0;
    size_t mu;
    one.theta = lo + (hi - lo) * k / 16;
    CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
    CHECK(hfy_rate_stability(&one, w, r, p, n, a, NULL, NULL) == HFY_OK);
    for (mu = 0; mu < p; mu++) mean += a[mu] / (double)p;
    snprintf(name, sizeof name, "K.objective(theta=lo+(hi-lo)*%d/16)", k);
    golden(name, mean, 1e-8, 0);
  }
  memset(&search, 0, sizeof search);
  search.low = lo, search.high = hi;
  CHECK(hfy_rate_threshold(&one, r, p, n, &search, &theta, &best, NULL) == HFY_OK);
  golden("K.min objective", best, 0, 1e-5);
  golden("K.argmin theta (flat: loose)", theta, 0, 1.5);
  one.theta = theta; /* what it says is what the weights do */
  CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
  CHECK(hfy_rate_stability(&one, w, r, p, n, a, NULL, NULL) == HFY_OK);
  CHECK_NEAR(total(a, p) / (double)p, best, 1e-9);
  search.worst = 1, search.grid = 9, search.steps = 4;
  CHECK(hfy_rate_threshold(&one, r, p, n, &search, &theta, &other, NULL) == HFY_OK);
  CHECK(other > best);
  search.worst = 0, search.grid = 9, search.steps = 8, search.low = search.high = 0; /* the patterns' own bracket */
  CHECK(hfy_rate_threshold(&one, r, p, n, &search, &theta, &other, NULL) == HFY_OK);
  CHECK_NEAR(other, best, 1e-4);
  search.self = 1, search.sample = 1;
  CHECK(hfy_rate_threshold(&one, r, p, n, &search, &theta, &best, NULL) == HFY_OK);
  one.theta = theta;
  CHECK(hfy_rate_weights(&one, r, p, n, 1, w, NULL) == HFY_OK);
  CHECK(hfy_rate_stability(&one, w, r, 1, n, a, NULL, NULL) == HFY_OK);
  CHECK_NEAR(a[0], best, 1e-9);
  free(r), free(w), free(a);
}

/* The least lies below the patterns' own bracket: it is followed there, and not beyond a bracket that is given. */
TEST(brackets_widen) {
  const size_t n = 30, p = 9;
  double *r = patterns(3, p, n, 1, 1), low = -2, theta[2], best[2];
  const hfy_rate one = unit(1, 1, 0);
  hfy_rate_search search;
  size_t i;
  for (i = 0; i < n * p; i++) low -= hfy_rate_inverse(&one, r[i]) / (double)(n * p);
  memset(&search, 0, sizeof search);
  search.grid = 7, search.steps = 4;
  CHECK(hfy_rate_threshold(&one, r, p, n, &search, &theta[0], &best[0], NULL) == HFY_OK);
  search.low = low, search.high = low + 3;
  CHECK(hfy_rate_threshold(&one, r, p, n, &search, &theta[1], &best[1], NULL) == HFY_OK);
  CHECK(theta[0] < low - 0.5 && best[0] < best[1]);
  CHECK(theta[1] >= low && theta[1] <= low + 3);
  free(r);
}

/* Small networks of sublinear units: it falls slowly, by 1 % or so, down to thresholds of -20 and less. */
TEST(brackets_widen_far) {
  static const double far[][4] = {{0.5, 0.1, 4, 10}, {0.5, 2, 4, 10}, {0.5, 1, 4, 10}}; /* power, sigma, cv, P */
  const size_t n = 20;
  size_t k;
  for (k = 0; k < COUNT(far); k++) {
    hfy_rate one = unit(far[k][0], far[k][1], 0);
    const size_t p = (size_t)far[k][3];
    double *r = patterns(3, p, n, far[k][2], 1), *w = doubles(n * n), a[10], theta, best;
    CHECK(hfy_rate_threshold(&one, r, p, n, NULL, &theta, &best, NULL) == HFY_OK);
    CHECK(theta < -20);
    for (one.theta = theta / 2; one.theta > 5 * theta; one.theta *= 3) { /* worse on both sides */
      CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
      CHECK(hfy_rate_stability(&one, w, r, p, n, a, NULL, NULL) == HFY_OK);
      CHECK(total(a, p) / (double)p > best);
    }
    free(r), free(w);
  }
}

TEST(sparse_thresholds) {
  const size_t n = 30, p = 10;
  double *r = patterns(95, p, n, 1, 0.4), *w = doubles(n * n), *a = doubles(p), theta, best, other, re[30], im[30];
  hfy_rate one = unit(1, 0, 0);
  hfy_rate_search search;
  hfy_rate_modes m;
  size_t i;
  memset(&search, 0, sizeof search);
  search.grid = 7, search.steps = 4;
  CHECK(hfy_rate_threshold(&one, r, p, n, &search, &theta, &best, NULL) == HFY_OK); /* the margin is .05 */
  one.theta = theta;
  CHECK(hfy_rate_weights_sparse(&one, r, p, n, 0.05, w, NULL, NULL) == HFY_OK);
  CHECK(hfy_rate_stability(&one, w, r, p, n, a, NULL, NULL) == HFY_OK);
  CHECK_NEAR(total(a, p) / (double)p, best, 1e-9);
  search.margin = -1; /* none */
  CHECK(hfy_rate_threshold(&one, r, p, n, &search, &theta, &other, NULL) == HFY_OK);
  CHECK(other < best && other > best - 0.05);
  CHECK(theta < 0); /* Fig. 6c */
  one.theta = theta;
  CHECK(hfy_rate_weights_sparse(&one, r, p, n, 0, w, NULL, NULL) == HFY_OK);
  for (i = 0; i < p; i++) {
    CHECK(hfy_rate_spectrum(&one, w, r + i * n, n, re, im, &m, NULL) == HFY_OK);
    a[i] = m.abscissa;
  }
  CHECK_NEAR(total(a, p) / (double)p, other, 1e-9);
  CHECK(total(w, n * n) < 0);
  free(r), free(w), free(a);
  r = patterns(96, 80, n, 1, 0.4); /* far above the capacity */
  theta = best = 7;
  {
    hfy_work work;
    memset(&work, 0, sizeof work);
    CHECK_FAILS(hfy_rate_threshold(&one, r, 80, n, &search, &theta, &best, &work), HFY_ERR_INFEASIBLE, &work,
                "no threshold");
    hfy_work_free(&work);
  }
  CHECK_EQ(theta, 7);
  free(r);
}

/* --- dynamics --- */

TEST(dynamics_are_golden) {
  static const struct {
    const char *tag;
    uint64_t seed;
    size_t dim, count;
    double amplitude, dt, duration;
  } runs[] = {{"G1", 21, 50, 5, 0.1, 0.05, 20}, {"G2", 22, 50, 25, 0.1, 0.05, 20}, {"G3", 5, 100, 10, 1, 0.1, 300}};
  size_t c, i;
  for (c = 0; c < 3; c++) {
    const size_t n = runs[c].dim, p = runs[c].count;
    double *r = patterns(runs[c].seed, p, n, 2, 1), *w = doubles(n * n), *x = doubles(n), a, end;
    hfy_rate one = unit(1, 1, theta_star(1, 1, 2));
    hfy_rate_options o;
    hfy_rate_outcome out;
    size_t steps;
    double time;
    memset(&o, 0, sizeof o), memset(&out, 0, sizeof out);
    o.dt = runs[c].dt, o.duration = runs[c].duration, o.tol = -1;
    out.steps = &steps, out.time = &time;
    CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
    for (i = 0; i < n; i++) x[i] = r[i] * exp(runs[c].amplitude * cos((double)i));
    tagged(runs[c].tag, "||r(0)-r^0||/||r^0||", distance(x, r, n) / norm(r, n), 1e-7, 0);
    CHECK(hfy_rate_simulate(&one, w, n, x, 1, &o, x, &out, NULL) == HFY_OK);
    CHECK_EQ(steps, floor(runs[c].duration / runs[c].dt + 0.5));
    CHECK_EQ(time, runs[c].duration);
    end = distance(x, r, n) / norm(r, n);
    if (c == 2) {
      CHECK(end < 1e-6);
      golden("G3.||r(300)-r^0||/||r^0|| (bound: <1e-6)", end, 1e-2, 0);
    } else {
      tagged(runs[c].tag, "||r(20)-r^0||/||r^0||", end, 1e-7, 0);
      tagged(runs[c].tag, "r_0(20)", x[0], 1e-7, 0);
      CHECK(hfy_rate_stability(&one, w, r, 1, n, &a, NULL, NULL) == HFY_OK);
      tagged(runs[c].tag, "abscissa J_0", a, 1e-7, 0);
    }
    free(r), free(w), free(x);
  }
}

/* the same curve from both integrators and both forms: v = W r (spec 0) */
TEST(integrators_and_forms_agree) {
  const size_t n = 30, p = 4;
  double *r = patterns(101, p, n, 1, 1), *w = doubles(n * n), *x = doubles(2 * n), *y = doubles(2 * n),
         *v = doubles(2 * n), *z = doubles(2 * n);
  hfy_rate one = unit(1, 1, -0.9);
  hfy_rate_options o;
  size_t i, j, s, order;
  double last = 0;
  hfy_rng rng = hfy_rng_seed(8);
  CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
  CHECK(hfy_rate_perturb(&rng, r, 2, n, 0.2, 0.1, x, NULL) == HFY_OK);
  memset(&o, 0, sizeof o);
  o.duration = 5, o.tol = -1, o.rtol = 1e-11;
  CHECK(hfy_rate_simulate(&one, w, n, x, 2, &o, y, NULL, NULL) == HFY_OK);
  o.rtol = 0, o.dt = 0.01;
  CHECK(hfy_rate_simulate(&one, w, n, x, 2, &o, z, NULL, NULL) == HFY_OK);
  for (i = 0; i < 2 * n; i++) CHECK_NEAR(y[i], z[i], 1e-8);
  for (s = 0; s < 2; s++)
    for (i = 0; i < n; i++)
      for (j = 0; j < n; j++) v[s * n + i] += w[i * n + j] * x[s * n + j];
  o.voltage = 1, o.dt = 0, o.rtol = 1e-11;
  CHECK(hfy_rate_simulate(&one, w, n, v, 2, &o, v, NULL, NULL) == HFY_OK);
  for (s = 0; s < 2; s++)
    for (i = 0; i < n; i++) {
      double u = 0;
      for (j = 0; j < n; j++) u += w[i * n + j] * y[s * n + j];
      CHECK_NEAR(v[s * n + i], u, 1e-8);
    }
  o.voltage = 0, o.rtol = 0; /* Runge-Kutta of order 4: half the step, a sixteenth of the error */
  for (order = 0; order < 3; order++) {
    double off;
    o.dt = 0.5 / (double)(1 << order);
    CHECK(hfy_rate_simulate(&one, w, n, x, 2, &o, z, NULL, NULL) == HFY_OK);
    off = distance(z, y, 2 * n);
    if (order) CHECK(last / off > 12 && last / off < 24);
    last = off;
  }
  free(r), free(w), free(x), free(y), free(v), free(z);
}

/* a state's bits do not depend on its company, nor do they change in place */
TEST(batches_are_one_by_one) {
  const size_t n = 25, p = 4, many = 9;
  double *r = patterns(103, p, n, 1, 1), *w = doubles(n * n), *x = doubles(many * n), *all = doubles(many * n),
         *one_ = doubles(n);
  hfy_rate one = unit(1, 1, -0.9);
  hfy_rate_options o;
  hfy_rng rng = hfy_rng_seed(8);
  size_t s;
  int form;
  for (s = 0; s < many; s++)
    CHECK(hfy_rate_perturb(&rng, r + s % p * n, 1, n, 0.1 * (double)s, 0, x + s * n, NULL) == HFY_OK);
  CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
  for (form = 0; form < 4; form++) {
    memset(&o, 0, sizeof o);
    o.duration = 60, o.rtol = form & 1 ? 1e-6 : 0, o.voltage = form >> 1, o.tol = 1e-4;
    (void)hfy_rate_simulate(&one, w, n, x, many, &o, all, NULL, NULL);
    for (s = 0; s < many; s++) {
      (void)hfy_rate_simulate(&one, w, n, x + s * n, 1, &o, one_, NULL, NULL);
      CHECK(!memcmp(one_, all + s * n, n * sizeof *one_));
    }
  }
  free(r), free(w), free(x), free(all), free(one_);
}

/* What the Jacobian says is what the simulation does, on every seeded case away from the boundary: from a small
   perturbation a stable pattern is returned to, an unstable one is left. */
TEST(the_jacobian_predicts_return_and_departure) {
  static const double at[][4] = {{1, 1, 2, 0.06},    {1, 1, 2, 0.5},     {1, 1, 1, 0.1},
                                 {1.4, 0.5, 1, 0.1}, {0.8, 0.5, 1, 0.2}, {1.1, 0.7, 1, 0.05}};
  size_t c, returned = 0, left = 0, wrong = 0;
  uint64_t seed;
  for (c = 0; c < 6; c++)
    for (seed = 0; seed < 4; seed++) {
      const size_t n = 50, p = (size_t)(at[c][3] * 50 + 0.5);
      double *r = patterns(500 + 10 * seed + c, p, n, at[c][2], 1), *w = doubles(n * n), *a = doubles(p),
             *x = doubles(n);
      hfy_rate one = unit(at[c][0], at[c][1], theta_star(at[c][0], at[c][1], at[c][2]));
      size_t mu;
      CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
      CHECK(hfy_rate_stability(&one, w, r, p, n, a, NULL, NULL) == HFY_OK);
      for (mu = 0; mu < p && mu < 4; mu++) {
        const double *pattern = r + mu * n, size = 1e-4;
        hfy_rate_options o;
        hfy_rng rng = hfy_rng_seed(seed + mu);
        double off;
        if (fabs(a[mu]) < 0.02) continue; /* the boundary */
        memset(&o, 0, sizeof o);
        o.duration = 12 / fabs(a[mu]), o.tol = -1, o.rtol = 1e-7;
        CHECK(hfy_rate_perturb(&rng, pattern, 1, n, size, 0, x, NULL) == HFY_OK);
        (void)hfy_rate_simulate(&one, w, n, x, 1, &o, x, NULL, NULL);
        off = distance(x, pattern, n) / norm(pattern, n);
        if (a[mu] < 0)
          returned++, wrong += !(off < 0.3 * size);
        else
          left++, wrong += !(off > 10 * size);
      }
      free(r), free(w), free(a), free(x);
    }
  CHECK_EQ(wrong, 0);
  CHECK(returned >= 15 && left >= 30);
}

TEST(runs_that_settle_run_out_and_diverge) {
  double w[4] = {0, 0, 0, 0}, x[6] = {1, 2, 3, 4, 0, 0}, y[6], time[3], speed[3];
  hfy_rate one = unit(1, 0, -0.5);
  hfy_status status[3];
  hfy_rate_options o;
  hfy_rate_outcome out;
  hfy_work work;
  memset(&o, 0, sizeof o), memset(&work, 0, sizeof work), memset(&out, 0, sizeof out);
  out.status = status, out.time = time, out.speed = speed;
  CHECK(hfy_rate_simulate(&one, w, 2, x, 3, &o, y, &out, &work) == HFY_OK); /* dr/dt = 0.5 - r */
  CHECK_NEAR(y[0], 0.5, 1e-8);
  CHECK(status[0] == HFY_OK && time[0] > 15 && time[0] < 30 && speed[0] <= 2e-9);
  o.duration = 1;
  CHECK_FAILS(hfy_rate_simulate(&one, w, 2, x, 3, &o, y, &out, &work), HFY_ERR_CONVERGENCE, &work,
              "state 0 had not settled");
  CHECK_NEAR(y[0], 0.5 + 0.5 * exp(-1), 1e-6); /* the state is there all the same */
  CHECK_EQ(time[0], 1);
  o.tol = -1;
  CHECK(hfy_rate_simulate(&one, w, 2, x, 3, &o, y, &out, &work) == HFY_OK);
  w[0] = w[3] = 3; /* dr/dt = -r + (3 r + 0.5)^2: blows up in finite time */
  one.power = 2;
  o.duration = 50;
  CHECK_FAILS(hfy_rate_simulate(&one, w, 2, x, 2, &o, y, &out, &work), HFY_ERR_NONFINITE, &work, "diverged");
  CHECK(status[0] == HFY_ERR_NONFINITE && y[0] < 1e300 && time[0] < 5);
  o.rtol = 1e-6;
  CHECK_FAILS(hfy_rate_simulate(&one, w, 2, x, 2, &o, y, &out, &work), HFY_ERR_NONFINITE, &work, "diverged");
  CHECK(y[0] == y[0] && y[0] < 1e300);
  CHECK(hfy_rate_simulate(&one, w, 2, NULL, 0, &o, NULL, NULL, &work) == HFY_OK);
  hfy_work_free(&work);
}

/* Power < 1 from a stored pattern with units on their threshold: slopes of 1e8 and more did not let time pass. */
TEST(infinite_slopes_do_not_stall) {
  const size_t n = sparse[2].dim, p = sparse[2].count;
  double *r = patterns(sparse[2].seed, p, n, sparse[2].cv, sparse[2].f), *w = doubles(n * n), *x = doubles(n * p);
  hfy_rate one = unit(sparse[2].power, 0, sparse[2].theta);
  hfy_rate_outcome out;
  hfy_status status[20];
  size_t steps[20], mu, i;
  double *start = doubles(n * p);
  hfy_rng rng = hfy_rng_seed(1);
  memset(&out, 0, sizeof out);
  out.steps = steps, out.status = status;
  for (i = 0; i < n * p; i++) start[i] = fmax(0, r[i] + 1e-5 * hfy_rng_normal(&rng));
  CHECK(hfy_rate_weights_sparse(&one, r, p, n, 0, w, NULL, NULL) == HFY_OK);
  (void)hfy_rate_simulate(&one, w, n, r, p, NULL, x, &out, NULL);
  for (mu = 0; mu < p; mu++) CHECK(steps[mu] < 20000 && !status[mu]);
  (void)hfy_rate_simulate(&one, w, n, start, p, NULL, x, &out, NULL);
  for (mu = 0; mu < p; mu++) CHECK(steps[mu] < 20000 && !status[mu]);
  free(r), free(w), free(x), free(start);
}

/* Stiff weights, steps as small and times as long as they come: every run ends, and nothing is NaN. */
TEST(no_run_goes_on_for_ever) {
  static const double tols[] = {0, 1e-14, 1e-300, -1}, rtols[] = {0, 1e-16, 1e-3, 1e-320};
  const double stiff[4] = {0, 0, 0, -1e12}, zeros[2] = {0, 0};
  hfy_rate one = unit(1, 1, 0);
  hfy_rng rng = hfy_rng_seed(91);
  hfy_rate_options o;
  hfy_rate_outcome out;
  hfy_status status;
  hfy_work work;
  size_t trial, steps = 0, i, ended[10] = {0};
  double y[3], x[3], w[9];
  memset(&o, 0, sizeof o), memset(&work, 0, sizeof work), memset(&out, 0, sizeof out);
  out.status = &status, out.steps = &steps;
  CHECK_FAILS(hfy_rate_simulate(&one, stiff, 2, zeros, 1, &o, y, &out, &work), HFY_ERR_CONVERGENCE, &work,
              "1000000 steps");
  CHECK(steps == 1000000 && status == HFY_ERR_CONVERGENCE && y[0] > 0 && y[1] > 0);
  for (trial = 0; trial < 300 / FEWER; trial++) {
    one = unit(pow(10, 4 * hfy_rng_uniform(&rng) - 3), trial & 1 ? 1 : 0, hfy_rng_normal(&rng));
    for (i = 0; i < 9; i++) w[i] = hfy_rng_sign(&rng) * pow(10, (trial & 2 ? 600 : 20) * hfy_rng_uniform(&rng) - 292);
    for (i = 0; i < 3; i++) x[i] = hfy_rng_normal(&rng) * pow(10, (trial & 4 ? 300 : 0) * hfy_rng_uniform(&rng));
    o.dt = trial & 8 ? 0 : pow(10, 616 * hfy_rng_uniform(&rng) - 308);
    o.duration = trial & 16 ? 0 : pow(10, 616 * hfy_rng_uniform(&rng) - 308);
    o.tol = tols[trial % 4], o.rtol = rtols[trial / 4 % 4], o.voltage = trial & 32 ? 1 : 0, o.max_steps = 50;
    (void)hfy_rate_simulate(&one, w, 3, x, 1, &o, y, &out, &work);
    CHECK(steps <= 50 && !is_nan(y[0] + y[1] + y[2]) && (status || steps || o.tol >= 0));
    ended[status]++;
  }
  CHECK(ended[HFY_OK] && ended[HFY_ERR_CONVERGENCE] && ended[HFY_ERR_NONFINITE]);
  hfy_work_free(&work);
}

/* Whatever the power and the size of the rates: a row that is OK fulfils its constraints, all others are 0. */
TEST(sparse_rows_are_never_nan) {
  static const double powers[] = {1e-3, 0.01, 0.3, 1, 30}, sizes[] = {1e-300, 1e-150, 1e-20, 1, 1e100, 1e200};
  const size_t n = 6, p = 4;
  size_t trial, i, j, k, ended[10] = {0};
  double w[36];
  for (trial = 0; trial < 300; trial++) {
    double *r = patterns(1200 + trial, p, n, 1, 0.7);
    const hfy_rate one = unit(powers[trial % 5], 0, trial % 7 ? -0.5 : 1e308);
    hfy_status status;
    hfy_rate_rows rows;
    sparse_rows(&rows, p, n);
    for (i = 0; i < p * n; i++) r[i] *= sizes[trial / 5 % 6];
    for (i = 0; i < 36; i++) w[i] = 77;
    status = hfy_rate_weights_sparse(&one, r, p, n, 0, w, &rows, NULL);
    ended[status]++;
    for (i = 0; i < n && w[0] < 77; i++) {
      CHECK(rows.status[i] == HFY_OK || rows.status[i] == HFY_ERR_INFEASIBLE || rows.status[i] == HFY_ERR_NONFINITE);
      for (j = 0; j < n; j++) CHECK(rows.status[i] ? !(w[i * n + j] > 0 || w[i * n + j] < 0) : fabs(w[i * n + j]) <= DBL_MAX);
      for (k = 0; k < p && !rows.status[i]; k++) {
        double sum = 0, want_ = one.theta;
        const double all = norm(w + i * n, n) * norm(r + k * n, n);
        for (j = 0; j < n; j++) sum += w[i * n + j] * r[k * n + j];
        if (r[k * n + i] > 0) want_ += hfy_rate_inverse(&one, r[k * n + i]);
        CHECK(r[k * n + i] > 0 ? fabs(sum - want_) <= 1e-9 * (1 + all) : sum <= want_ + 1e-9 * (1 + all));
      }
    }
    CHECK(w[0] < 77 || status == HFY_ERR_NONFINITE);
    free(r), rows_free(&rows);
  }
  CHECK(ended[HFY_OK] > 20 && ended[HFY_ERR_INFEASIBLE] && ended[HFY_ERR_NONFINITE] > 20);
}

TEST(basins) {
  const size_t n = 60;
  double *r = patterns(111, 6, n, 2, 1), *w = doubles(n * n), a, noise, again;
  hfy_rate one = unit(1, 1, theta_star(1, 1, 2));
  hfy_rate_basin_options o;
  hfy_rng rng = hfy_rng_seed(1), same = hfy_rng_seed(1);
  memset(&o, 0, sizeof o);
  o.trials = 6, o.bisections = 3, o.success = 1e-2;
  CHECK(hfy_rate_weights(&one, r, 3, n, 0, w, NULL) == HFY_OK);
  CHECK(hfy_rate_stability(&one, w, r, 1, n, &a, NULL, NULL) == HFY_OK);
  CHECK(a < -0.01);
  o.run.duration = 12 / fabs(a);
  CHECK(hfy_rate_basin(&one, w, r, n, &rng, &o, &noise, NULL) == HFY_OK);
  CHECK(hfy_rate_basin(&one, w, r, n, &same, &o, &again, NULL) == HFY_OK);
  CHECK_EQ(noise, again);
  CHECK(noise > 0.3); /* S11: a large basin */
  free(r);
  r = patterns(112, 40, n, 2, 1);
  CHECK(hfy_rate_weights(&one, r, 40, n, 0, w, NULL) == HFY_OK);
  CHECK(hfy_rate_stability(&one, w, r, 1, n, &a, NULL, NULL) == HFY_OK);
  CHECK(a > 0.01);
  o.run.duration = 12 / fabs(a);
  CHECK(hfy_rate_basin(&one, w, r, n, &rng, &o, &noise, NULL) == HFY_OK);
  CHECK(noise < 0.15); /* none */
  free(r), free(w);
}

/* The bisection of hfy_rate_basin again, over the public simulation. mixed: looks of which some starts came back, not
   all; even: of which exactly half did; lost: starts that diverged though they ended within `success`. */
static double basin_again(const hfy_rate *one, const double *w, const double *r, size_t n, hfy_rng rng,
                          const hfy_rate_basin_options *o, size_t *mixed, size_t *even, size_t *lost) {
  const size_t m = o->trials;
  double *all = doubles(m * n), *start = doubles(m * n), lo = 0, hi = o->most;
  hfy_status *status = (hfy_status *)calloc(m, sizeof *status);
  size_t look, t;
  for (t = 0; t < m; t++) memcpy(all + t * n, r, n * sizeof *r);
  for (look = 0; look <= o->bisections; look++) {
    const double e = look ? 0.5 * (lo + hi) : hi;
    hfy_rng same = rng;
    hfy_rate_outcome outcome;
    size_t back = 0;
    hfy_status s;
    memset(&outcome, 0, sizeof outcome);
    outcome.status = status;
    CHECK(hfy_rate_perturb(&same, all, m, n, e, 0, start, NULL) == HFY_OK);
    s = hfy_rate_simulate(one, w, n, start, m, &o->run, start, &outcome, NULL);
    CHECK(s == HFY_OK || s == HFY_ERR_CONVERGENCE || s == HFY_ERR_NONFINITE);
    for (t = 0; t < m; t++) {
      const int near = distance(start + t * n, r, n) <= o->success * norm(r, n);
      *lost += near && status[t] == HFY_ERR_NONFINITE;
      back += near && status[t] != HFY_ERR_NONFINITE;
    }
    *mixed += back && back < m, *even += 2 * back == m;
    if (2 * back < m) {
      hi = e;
    } else {
      lo = e;
      if (!look) break;
    }
  }
  free(all), free(start), free(status);
  return lo;
}

TEST(basins_count_the_starts_that_return) {
  const size_t n = 30;
  size_t seed, mixed = 0, even = 0, lost = 0, somewhere = 0;
  for (seed = 0; seed < 8; seed++) {
    double *r = patterns(300 + seed, 3, n, 1, 1), *w = doubles(n * n), noise;
    const int runaway = seed >= 4; /* an exponent of 2: far starts diverge, near ones return */
    hfy_rate one = runaway ? unit(2, 0.5, 0) : unit(1, 1, 0);
    hfy_rate_basin_options o;
    hfy_rng rng = hfy_rng_seed(seed), before = rng;
    one.theta = theta_star(one.power, one.sigma, 1);
    memset(&o, 0, sizeof o);
    o.trials = 5 + seed % 2, o.bisections = 8, o.most = 3;
    o.success = runaway ? 1e30 : 0.1;
    o.run.duration = runaway ? 30 : 4, o.run.tol = seed % 3 ? 0 : -1; /* not settled is no failure either */
    CHECK(hfy_rate_weights(&one, r, 3, n, 0, w, NULL) == HFY_OK);
    CHECK(hfy_rate_basin(&one, w, r, n, &rng, &o, &noise, NULL) == HFY_OK);
    CHECK(noise < o.most);
    CHECK_EQ(noise, basin_again(&one, w, r, n, before, &o, &mixed, &even, &lost));
    somewhere += noise > 0;
    free(r), free(w);
  }
  CHECK(mixed > 4 && even > 0 && lost > 0 && somewhere > 5); /* or it would not tell one count from another */
}

TEST(asymmetry) {
  static const double even[4] = {1, 2, 2, 5}, odd[4] = {0, 3, -3, 0}, mixed[4] = {0, 1, 0, 0}, zero[4] = {0, 0, 0, 0};
  double index, bad[1];
  static const double turn[4] = {0, -2, 2, 0}, jordan[4] = {0, 1, 0, 0};
  CHECK_EQ(hfy_rate_asymmetry(even, 2), 0);
  CHECK_EQ(hfy_rate_asymmetry(odd, 2), 1);
  CHECK_NEAR(hfy_rate_asymmetry(mixed, 2), 0.5, 1e-15);
  CHECK_EQ(hfy_rate_asymmetry(zero, 2), 0);
  bad[0] = HUGE_VAL;
  CHECK(is_nan(hfy_rate_asymmetry(bad, 1)) && is_nan(hfy_rate_asymmetry(NULL, 1)));
  CHECK(hfy_rate_henrici(turn, 2, &index, NULL) == HFY_OK);
  CHECK_NEAR(index, 0, 1e-7);
  CHECK(hfy_rate_henrici(jordan, 2, &index, NULL) == HFY_OK);
  CHECK_EQ(index, 1);
  CHECK(hfy_rate_henrici(zero, 2, &index, NULL) == HFY_OK);
  CHECK_EQ(index, 0);
}

/* --- bad input --- */

TEST(bad_arguments) {
  double r[12] = {1, 2, 3, 4, 2, 1, 5, 0.5, 3, 1, 1, 2}, w[16], x[16], re[4], im[4], a[4], theta, best,
         duplicate[8] = {1, 2, 3, 4, 1, 2, 3, 4};
  double zero[8] = {1, 2, 0, 4, 2, 1, 5, 0.5}, pinned[4] = {1, 1e-30, 1e-30, 1e-30};
  hfy_rate one = unit(1, 1, 0), bad;
  hfy_rate_averages t;
  hfy_rate_load load;
  hfy_rate_lead lead;
  hfy_rate_mask mask;
  static const signed char signs[16] = {0, 2, 1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -2};
  hfy_rate_unit own = {tanh_g, NULL, NULL, NULL, NULL, NULL};
  hfy_rate_rates rates = {0, 0, NULL, NULL, 0};
  hfy_rate_replica rep;
  hfy_rate_disc disc;
  hfy_rate_search search;
  hfy_rate_options o;
  hfy_rate_basin_options basin;
  hfy_real keys[12], values[12], self[4];
  hfy_net net;
  hfy_rng rng = hfy_rng_seed(1);
  hfy_work work;
  size_t i;
  memset(&work, 0, sizeof work), memset(&search, 0, sizeof search), memset(&o, 0, sizeof o),
      memset(&basin, 0, sizeof basin);
  for (i = 0; i < 16; i++) w[i] = 7;
#define ARG(call, words) CHECK_FAILS(call, HFY_ERR_ARG, &work, words)
  bad = unit(0, 1, 0);
  ARG(hfy_rate_weights(&bad, r, 3, 4, 0, w, &work), "rate->power is 0");
  bad = unit(1, -0.5, 0);
  ARG(hfy_rate_weights(&bad, r, 3, 4, 0, w, &work), "rate->sigma is -0.5");
  bad = unit(1, 1, nan_());
  ARG(hfy_rate_weights(&bad, r, 3, 4, 0, w, &work), "rate->theta is nan");
  ARG(hfy_rate_weights(NULL, r, 3, 4, 0, w, &work), "rate is NULL");
  ARG(hfy_rate_weights(&one, NULL, 3, 4, 0, w, &work), "r is NULL");
  ARG(hfy_rate_weights(&one, r, 3, 4, 0, NULL, &work), "w is NULL");
  ARG(hfy_rate_weights(&one, r, 0, 4, 0, w, &work), "count is 0");
  ARG(hfy_rate_weights(&one, r, 1, SIZE_MAX / 2, 0, w, &work), "cannot exist");
  ARG(hfy_rate_weights(&one, zero, 2, 4, 0, w, &work), "pattern 0, unit 2 is 0");
  CHECK_FAILS(hfy_rate_weights(&one, r, 4, 3, 0, w, &work), HFY_ERR_INFEASIBLE, &work, "3 units can hold 2");
  CHECK_FAILS(hfy_rate_weights(&one, r, 3, 3, 0, w, &work), HFY_ERR_INFEASIBLE, &work, "count is 3");
  CHECK_FAILS(hfy_rate_weights(&one, r, 1, 1, 0, w, &work), HFY_ERR_INFEASIBLE, &work, "count is 1");
  CHECK_FAILS(hfy_rate_weights(&one, duplicate, 2, 4, 0, w, &work), HFY_ERR_SINGULAR, &work, "pattern 1");
  CHECK_FAILS(hfy_rate_weights(&one, pinned, 1, 4, 0, w, &work), HFY_ERR_SINGULAR, &work, "unit 0");
  bad = unit(1e-3, 0, 0); /* r^(1/n) overflows */
  CHECK_FAILS(hfy_rate_weights(&bad, r, 3, 4, 0, w, &work), HFY_ERR_NONFINITE, &work,
              "g^-1 of pattern 0, unit 2 is inf");
  ARG(hfy_rate_weights_sparse(&one, zero, 2, 4, 0, w, NULL, &work), "sparse patterns need 0");
  bad = unit(1, 0, 0);
  ARG(hfy_rate_weights_sparse(&bad, zero, 2, 4, -1, w, NULL, &work), "margin is -1");
  zero[1] = -1;
  ARG(hfy_rate_weights_sparse(&bad, zero, 2, 4, 0, w, NULL, &work), "pattern 0, unit 1 is -1");
  zero[1] = 2;
  ARG(hfy_rate_weights_sparse(&bad, zero, 2, 4, 0, NULL, NULL, &work), "w is NULL");
  for (i = 0; i < 16; i++) CHECK_EQ(w[i], 7);
  ARG(hfy_rate_patterns(&rng, -1, 1, 2, 2, x, &work), "cv is -1");
  ARG(hfy_rate_patterns(&rng, 1, 0, 2, 2, x, &work), "f is 0");
  ARG(hfy_rate_patterns(&rng, 1, 1.5, 2, 2, x, &work), "f is 1.5");
  ARG(hfy_rate_patterns(NULL, 1, 1, 2, 2, x, &work), "rng is NULL");
  ARG(hfy_rate_perturb(&rng, r, 1, 4, -1, 0, x, &work), "noise is -1");
  ARG(hfy_rate_perturb(&rng, r, 1, 4, 0, 1.2, x, &work), "missing is 1.2");
  ARG(hfy_rate_net(&one, r, 3, 4, 0, 0, keys, values, self, &net, &work), "step is 0");
  ARG(hfy_rate_net(&one, r, 3, 4, 0, 1, NULL, values, self, &net, &work), "keys is NULL");
  CHECK_FAILS(hfy_rate_net(&one, r, 4, 3, 0, 1, keys, values, self, &net, &work), HFY_ERR_INFEASIBLE, &work,
              "count is 4");
  for (i = 0; i < 8; i++) w[i] = (i % 3 ? 1 : 2) * (sizeof(hfy_real) > 4 ? 1e-312 : 1e-50);
  CHECK_FAILS(hfy_rate_net(&one, w, 2, 4, 0, 1, keys, values, self, &net, &work), HFY_ERR_NONFINITE, &work, "keys: row");
  for (i = 0; i < 16; i++) w[i] = 0.1;
  ARG(hfy_rate_jacobian(&one, NULL, r, 4, x, &work), "w is NULL");
  ARG(hfy_rate_jacobian(&one, w, r, 4, NULL, &work), "j is NULL");
  ARG(hfy_rate_jacobian(&one, w, zero, 4, x, &work), "unit 2 is 0");
  ARG(hfy_rate_spectrum(&one, w, r, 4, NULL, im, NULL, &work), "re is NULL");
  w[3] = HUGE_VAL;
  ARG(hfy_rate_spectrum(&one, w, r, 4, re, im, NULL, &work), "w: row 0, unit 3 is inf");
  ARG(hfy_rate_stability(&one, w, r, 1, 4, a, NULL, &work), "w: row 0, unit 3 is inf");
  ARG(hfy_rate_simulate(&one, w, 4, r, 1, NULL, x, NULL, &work), "w: row 0, unit 3 is inf");
  w[3] = 0;
  search.low = 1, search.high = 0;
  ARG(hfy_rate_threshold(&one, r, 3, 4, &search, &theta, &best, &work), "bracket is 1 .. 0");
  search.low = 0, search.grid = 2;
  ARG(hfy_rate_threshold(&one, r, 3, 4, &search, &theta, &best, &work), "grid is 2");
  ARG(hfy_rate_threshold(&one, r, 3, 4, NULL, NULL, &best, &work), "theta is NULL");
  ARG(hfy_rate_theory(&one, 0, 0, &t, &work), "cv is 0");
  ARG(hfy_rate_theory(&one, nan_(), 0, &t, &work), "cv is nan");
  ARG(hfy_rate_theory(&one, 1, 0, NULL, &work), "averages is NULL");
  bad = unit(0.02, 0, 0);
  CHECK_FAILS(hfy_rate_theory(&bad, 5, 0, &t, &work), HFY_ERR_NONFINITE, &work, "overflow");
  bad = unit(1e-7, 0, 0);
  CHECK_FAILS(hfy_rate_theory(&bad, 5, 0, &t, &work), HFY_ERR_NONFINITE, &work, "overflow");
  x[0] = x[1] = 2;
  ARG(hfy_rate_theory_of(&one, x, NULL, 2, 0, &t, &work), "do not vary");
  x[1] = 3, a[0] = -1, a[1] = 1;
  ARG(hfy_rate_theory_of(&one, x, a, 2, 0, &t, &work), "weight: sample 0");
  CHECK(hfy_rate_theory(&one, 1, 1, &t, &work) == HFY_OK);
  ARG(hfy_rate_at_load(&t, 1, &load, &work), "alpha is 1");
  ARG(hfy_rate_at_load(&t, 0, &load, &work), "alpha is 0");
  t.crr = 0;
  ARG(hfy_rate_at_load(&t, 0.5, &load, &work), "hfy_rate_theory should");
  ARG(hfy_rate_bulk_edge(&one, 1, 1, 0, 0, &best, &work), "alpha is 1");
  ARG(hfy_rate_bulk_edge(&one, 0, 0.5, 0, 0, &best, &work), "cv is 0");
  ARG(hfy_rate_bulk_edge(&one, 1, 0.5, 0, 1, &best, &work), "units is 1");
  ARG(hfy_rate_bulk_load(&one, 1, 0, 0, NULL, &work), "alpha is NULL");
  bad = one, bad.unit = &own;
  ARG(hfy_rate_weights(&bad, r, 3, 4, 0, w, &work), "rate->unit->slope is NULL");
  own.slope = tanh_slope;
  ARG(hfy_rate_weights(&bad, r, 3, 4, 0, w, &work), "rate->unit->inverse is NULL");
  own.inverse = tanh_inverse, own.context = duplicate; /* of height 1: rates above are out of reach */
  CHECK_FAILS(hfy_rate_weights(&bad, r, 3, 4, 0, w, &work), HFY_ERR_NONFINITE, &work, "g^-1 of pattern 0, unit 0");
  ARG(hfy_rate_weights_sparse(&bad, r, 3, 4, 0, w, NULL, &work), "rate->unit is not 0 at 0 and below");
  ARG(hfy_rate_net(&bad, r, 3, 4, 0, 1, keys, values, self, &net, &work), "rate->unit is given");
  ARG(hfy_rate_weights_masked(&bad, r, 3, 4, 0, NULL, w, NULL, &work), "mask is NULL");
  memset(&mask, 0, sizeof mask), mask.column = signs;
  ARG(hfy_rate_weights_masked(&one, r, 3, 4, 0, &mask, NULL, NULL, &work), "w is NULL");
  ARG(hfy_rate_weights_masked(&one, r, 3, 4, -1, &mask, w, NULL, &work), "margin is -1");
  ARG(hfy_rate_weights_masked(&one, r, 3, 4, 0, &mask, w, NULL, &work), "mask->column[1] is 2; it should be -1");
  mask.column = NULL, mask.weight = signs;
  ARG(hfy_rate_weights_masked(&one, r, 3, 4, 0, &mask, w, NULL, &work), "mask->weight[15] is -2");
  ARG(hfy_rate_weights_masked(&one, zero, 2, 4, 0, &mask, w, NULL, &work), "unit 2 is 0; it should be above 0");
  CHECK_FAILS(hfy_rate_fixed_points(&one, w, 4, r, 1, NULL, NULL, &work), HFY_ERR_ARG, &work, "x is NULL");
  ARG(hfy_rate_fixed_points(&one, w, 4, r, SIZE_MAX / 8, w, NULL, &work), "states of dim 4 cannot exist");
  own.gain = zero;
  ARG(hfy_rate_weights(&bad, r, 3, 4, 0, w, &work), "gain 0, unit 2 is 0; it should be above 0");
  ARG(hfy_rate_theory(&bad, 1, 0, &t, &work), "rate->unit has gains or thresholds");
  ARG(hfy_rate_theory_of(&bad, r, NULL, 4, 0, &t, &work), "rate->unit has gains or thresholds");
  ARG(hfy_rate_solve_replica(&bad, 1, 1, 0.5, &rep, &work), "rate->unit has gains or thresholds");
  ARG(hfy_rate_solve_replica_of(&one, r, NULL, 4, 1, 0.5, NULL, &work), "replica is NULL");
  ARG(hfy_rate_solve_replica_of(&one, r, NULL, 4, 0.5, 0.5, &rep, &work), "rate->sigma is 1");
  rates.cv = 1;
  ARG(hfy_rate_leading(&one, NULL, 0.5, 0, &lead, &work), "rates is NULL");
  ARG(hfy_rate_leading(&one, &rates, 0.5, 0, NULL, &work), "lead is NULL");
  ARG(hfy_rate_leading(&one, &rates, 1, 0, &lead, &work), "alpha is 1; it should be above 0 and below 1");
  rates.r = r;
  ARG(hfy_rate_leading(&one, &rates, 0.5, 0, &lead, &work), "n is 0; it should be at least 1");
  rates.r = NULL;
  ARG(hfy_rate_critical_load(&one, &rates, 0, NULL, &work), "alpha is NULL");
  rates.units = 1;
  ARG(hfy_rate_critical_load(&one, &rates, 0, &best, &work), "units is 1");
  rates.units = 0, rates.cv = 0;
  ARG(hfy_rate_critical_load(&one, &rates, 0, &best, &work), "cv is 0; it should be above 0");
  rates.r = r, rates.n = 0;
  ARG(hfy_rate_critical_load(&one, &rates, 0, &best, &work), "n is 0");
  bad = unit(0.38, 0, 0); /* unstable at any load */
  CHECK(hfy_rate_bulk_load(&bad, 4, 0, 0, &best, &work) == HFY_OK && best <= 0);
  CHECK(hfy_rate_bulk_edge(&bad, 4, 1e-3, 0, 0, &best, &work) == HFY_OK && best >= 0);
  ARG(hfy_rate_optimum(0, NULL, &bad, &best, &work), "cv is 0");
  ARG(hfy_rate_optimum(1, NULL, NULL, &best, &work), "best is NULL");
  ARG(hfy_rate_capacity(0, &best, NULL, &work), "f is 0");
  ARG(hfy_rate_capacity(0.5, NULL, NULL, &work), "alpha_c is NULL");
  bad = unit(1, 0, 0);
  CHECK_FAILS(hfy_rate_solve_replica(&bad, 1, 0.5, 1.5, &rep, &work), HFY_ERR_INFEASIBLE, &work,
              "capacity is 1.4375");
  ARG(hfy_rate_solve_replica(&one, 1, 0.5, 0.5, &rep, &work), "need 0");
  ARG(hfy_rate_solve_replica(&bad, 0, 1, 0.5, &rep, &work), "do not vary");
  ARG(hfy_rate_solve_replica(&bad, 1, 0.5, 0, &rep, &work), "alpha is 0");
  ARG(hfy_rate_circular_law(0.5, 1.1, 1, 1, 0, &disc, &work), "tau is 1.1");
  ARG(hfy_rate_circular_law(0.5, 0, 0, 1, 0, &disc, &work), "sigma_x is 0");
  ARG(hfy_rate_circular_law(1.5, 0, 1, 1, 0, &disc, &work), "alpha is 1.5");
  o.dt = -1;
  ARG(hfy_rate_simulate(&one, w, 4, r, 1, &o, x, NULL, &work), "dt is -1");
  o.dt = 0, o.rtol = 2;
  ARG(hfy_rate_simulate(&one, w, 4, r, 1, &o, x, NULL, &work), "rtol is 2");
  r[1] = nan_();
  ARG(hfy_rate_simulate(&one, w, 4, r, 1, NULL, x, NULL, &work), "unit 1 is nan");
  r[1] = 2;
  ARG(hfy_rate_simulate(&one, w, 4, r, 1, NULL, NULL, NULL, &work), "end is NULL");
  basin.most = -1;
  ARG(hfy_rate_basin(&one, w, r, 4, &rng, &basin, &best, &work), "most is -1");
  basin.most = 0, basin.trials = SIZE_MAX / 16;
  ARG(hfy_rate_basin(&one, w, r, 4, &rng, &basin, &best, &work), "cannot exist");
  basin.trials = 0, basin.run.voltage = 1;
  ARG(hfy_rate_basin(&one, w, r, 4, &rng, &basin, &best, &work), "voltage");
  ARG(hfy_rate_basin(&one, w, r, 4, NULL, NULL, &best, &work), "rng is NULL");
  ARG(hfy_rate_henrici(w, 4, NULL, &work), "index is NULL");
#undef ARG
  hfy_work_free(&work);
}

/* Every function says how much scratch it needs before it writes, and is content with exactly that. */
TEST(scratch_is_known_beforehand) {
  const size_t n = 12, p = 4;
  double *r = patterns(121, p, n, 1, 1), *s = patterns(122, p, n, 1, 0.5), *w = doubles(n * n), *x = doubles(n * n);
  hfy_rate soft = unit(1, 1, -0.9), hard = unit(1, 0, -0.9);
  hfy_real *keys = (hfy_real *)calloc(n * p, sizeof *keys), *values = (hfy_real *)calloc(n * p, sizeof *keys), self[12];
  int call, many = 15;
  for (call = 0; call < many; call++) {
    unsigned char *bytes = NULL;
    hfy_work work;
    hfy_status status = HFY_OK;
    int round;
    memset(&work, 0, sizeof work);
    for (round = 0; round < 2; round++) {
      hfy_rate_averages t;
      hfy_rate_modes modes;
      hfy_rate best;
      hfy_rate_search search;
      hfy_rate_grid grid = {0.9, 0.1, 2, -1, 0.5, 2};
      hfy_rng rng = hfy_rng_seed(3);
      hfy_rate_options o;
      hfy_rate_basin_options basin;
      hfy_net net;
      double theta, value;
      memset(&search, 0, sizeof search), memset(&o, 0, sizeof o), memset(&basin, 0, sizeof basin);
      search.grid = 3, search.steps = 1;
      o.duration = 1, o.tol = -1;
      basin.trials = 2, basin.bisections = 1, basin.run = o;
      if (call != 3) CHECK(hfy_rate_weights(&soft, r, p, n, 0, w, NULL) == HFY_OK);
      if (!round) work.buffer = &work, work.capacity = 0; /* somebody's buffer, of no bytes */
      switch (call) {
      case 0: status = hfy_eigenvalues(w, n, x, x + n, &work); break;
      case 1: status = hfy_eigenvectors(w, n, r, s, 1, x, x + n, NULL, &work); break;
      case 2: status = hfy_rate_weights(&soft, r, p, n, 0, w, &work); break;
      case 3: status = hfy_rate_weights_sparse(&hard, s, p, n, 0, w, NULL, &work); break;
      case 4: status = hfy_rate_net(&soft, r, p, n, 0, 1, keys, values, self, &net, &work); break;
      case 5: status = hfy_rate_spectrum(&soft, w, r, n, x, x + n, &modes, &work); break;
      case 6: status = hfy_rate_stability(&soft, w, r, p, n, x, NULL, &work); break;
      case 7: status = hfy_rate_threshold(&soft, r, p, n, &search, &theta, &value, &work); break;
      case 8: status = hfy_rate_threshold(&hard, s, p, n, &search, &theta, &value, &work); break;
      case 9: status = hfy_rate_theory(&soft, 1, 1, &t, &work); break;
      case 10: status = hfy_rate_theory_of(&soft, r, NULL, n * p, 1, &t, &work); break;
      case 11: status = hfy_rate_optimum(1, &grid, &best, &value, &work); break;
      case 12: status = hfy_rate_simulate(&soft, w, n, r, p, &o, x, NULL, &work); break;
      case 13: status = hfy_rate_basin(&soft, w, r, n, &rng, &basin, &value, &work); break;
      default: status = hfy_rate_bulk_edge(&soft, 1, 0.3, 1, 0, &value, &work); break;
      }
      CHECK(status == (round ? HFY_OK : HFY_ERR_NOMEM));
      if (!round) {
        CHECK_CONTAINS(work.message, "work->capacity is 0");
        bytes = (unsigned char *)malloc(work.peak + 1);
        memset(bytes, 0xA5, work.peak + 1);
        work.buffer = bytes, work.capacity = work.peak;
      }
    }
    CHECK(work.buffer == bytes && bytes[work.peak] == 0xA5);
    free(bytes);
  }
  free(r), free(s), free(w), free(x), free(keys), free(values);
}

/* --- the statistical targets, small --- */

/* largest |x - y| of n, in units of 1 + |y| */
static double apart(const double *x, const double *y, size_t n) {
  double most = 0;
  size_t i;
  for (i = 0; i < n; i++)
    if (!(fabs(x[i] - y[i]) / (1 + fabs(y[i])) <= most)) most = fabs(x[i] - y[i]) / (1 + fabs(y[i]));
  return most;
}

/* A unit without slope, as a step has: J = -I at every pattern, whatever the load. */
TEST(no_slope_is_stable) {
  const hfy_rate inner = unit(1, 1, 0);
  hfy_rate_unit own = soft_unit(&inner);
  hfy_rate one = unit(1, 1, 0);
  double *r = patterns(1, 1, 50, 1, 1), x;
  hfy_rate_rates rates = {1, 0, NULL, NULL, 0};
  hfy_rate_lead lead;
  int self, samples;
  own.slope = no_slope, one.unit = &own;
  for (self = 0; self < 2; self++)
    for (samples = 0; samples < 2; samples++) {
      rates.r = samples ? r : NULL, rates.n = samples ? 50 : 0;
      CHECK(hfy_rate_critical_load(&one, &rates, self, &x, NULL) == HFY_OK && x > 0.998);
      CHECK(hfy_rate_leading(&one, &rates, 0.3, self, &lead, NULL) == HFY_OK);
      CHECK(lead.edge <= -1 && !lead.outliers);
      CHECK(hfy_rate_bulk_load(&one, 1, self, 0, &x, NULL) == HFY_OK && x > 0.998);
      CHECK(hfy_rate_bulk_edge(&one, 1, 0.3, self, 0, &x, NULL) == HFY_OK && x <= -1);
    }
  free(r);
}

/* the power, given as a unit of the caller's, in every function that asks for one */
TEST(a_unit_of_the_callers) {
  enum { N = 24, P = 6 };
  static double w[2][N * N], j[2][N * N], end[2][P * N];
  size_t seed, mine, stable[2], tight[2][P], i;
  for (seed = 0; seed < 6; seed++) {
    const int silent_some = (int)(seed % 2);
    const double power = silent_some ? 0.7 + 0.3 * (double)(seed / 2) : 0.8 + 0.1 * (double)seed;
    const hfy_rate inner = unit(power, silent_some ? 0 : 0.9, -0.2);
    const hfy_rate_unit own = soft_unit(&inner);
    double *r = patterns(300 + seed, P, N, 0.8, silent_some ? 0.5 : 1), abscissa[2][P], edge[2], load[2], theta[2];
    double least[2], re[2][2 * N];
    hfy_rate_averages t[2];
    hfy_rate_replica rep[2];
    for (mine = 0; mine < 2; mine++) {
      hfy_rate one = mine ? unit(0, 0, -0.2) : inner; /* of mine power and sigma do not count */
      hfy_rate_options o;
      hfy_rate_search search;
      memset(&o, 0, sizeof o), memset(&search, 0, sizeof search);
      one.unit = mine ? &own : NULL;
      o.duration = 3, o.tol = -1, o.dt = 0.05, o.voltage = (int)(seed / 2 % 2);
      search.grid = 3, search.steps = 1, search.low = -1, search.high = 0.5;
      if (silent_some)
        CHECK(hfy_rate_weights_sparse(&one, r, P, N, seed > 2 ? 0 : 0.05, w[mine], NULL, NULL) == HFY_OK);
      else
        CHECK(hfy_rate_weights(&one, r, P, N, 0, w[mine], NULL) == HFY_OK);
      CHECK(hfy_rate_jacobian(&one, w[0], r, N, j[mine], NULL) == HFY_OK);
      CHECK(hfy_rate_spectrum(&one, w[0], r, N, re[mine], re[mine] + N, NULL, NULL) == HFY_OK);
      CHECK(hfy_rate_stability(&one, w[0], r, P, N, abscissa[mine], &stable[mine], NULL) == HFY_OK);
      CHECK(hfy_rate_tight(&one, w[0], r, P, N, tight[mine], NULL) == HFY_OK);
      CHECK(hfy_rate_threshold(&one, r, P, N, &search, &theta[mine], &least[mine], NULL) == HFY_OK);
      CHECK(hfy_rate_simulate(&one, w[0], N, r, P, &o, end[mine], NULL, NULL) == HFY_OK);
      CHECK(hfy_rate_theory(&one, 0.5, 0, &t[mine], NULL) == HFY_OK);
      CHECK(hfy_rate_bulk_edge(&one, 0.5, 0.3, 0, 100, &edge[mine], NULL) == HFY_OK);
      CHECK(hfy_rate_bulk_load(&one, 0.5, 0, 100, &load[mine], NULL) == HFY_OK);
      CHECK(hfy_rate_solve_replica(&one, 0.5, silent_some ? 0.5 : 1, 0.3, &rep[mine], NULL) == HFY_OK);
    }
    CHECK(apart(w[1], w[0], N * N) < 1e-9 && apart(j[1], j[0], N * N) < 1e-9);
    CHECK(apart(end[1], end[0], P * N) < 1e-9 && apart(re[1], re[0], 2 * N) < 1e-6);
    for (i = 0; i < P; i++)
      CHECK(tight[0][i] == tight[1][i] && (abscissa[0][i] > DBL_MAX ? abscissa[1][i] > DBL_MAX
                                                                    : fabs(abscissa[1][i] - abscissa[0][i]) < 1e-7));
    CHECK(stable[0] == stable[1] && (!silent_some || seed < 3 || tight[0][0] > 0));
    CHECK(fabs(theta[1] - theta[0]) < 1e-6 && fabs(least[1] - least[0]) < 1e-6);
    CHECK(fabs(t[1].lambda_mem - t[0].lambda_mem) + fabs(t[1].vh / t[0].vh - 1) < 1e-7);
    CHECK(silent_some || fabs(edge[1] - edge[0]) + fabs(load[1] - load[0]) < 1e-6);
    CHECK(fabs(rep[1].q / rep[0].q - 1) + fabs(rep[1].m - rep[0].m) < 1e-7);
    free(r);
  }
}

/* rates of both signs, every unit with its own gain and threshold: fixed points, slopes by differences, return */
TEST(gains_thresholds_and_signs) {
  enum { N = 20, P = 3 };
  static double w[N * N], j[N * N], r[P * N], out[2][N], start[N], end[N];
  const double height = 1.5, h = 1e-6;
  const hfy_rate soft = unit(1.1, 0.7, 0);
  hfy_rng rng = hfy_rng_seed(31);
  size_t round, i, k, mu;
  for (round = 0; round < 6; round++) {
    double gain[N], threshold[N], re[N], im[N], abscissa[P], found;
    hfy_rate_points points;
    hfy_rate one = soft;
    hfy_rate_unit own = {tanh_g, tanh_slope, tanh_inverse, NULL, NULL, NULL};
    own.context = &height, own.gain = gain, own.threshold = threshold;
    if (round % 2) own.g = NULL; /* the power, with gains */
    one.unit = &own, one.theta = 0.1;
    for (i = 0; i < N; i++) gain[i] = 0.5 + hfy_rng_uniform(&rng), threshold[i] = 0.3 * hfy_rng_normal(&rng);
    for (i = 0; i < P * N; i++)
      r[i] = gain[i % N] * (round % 2 ? 0.2 + hfy_rng_uniform(&rng) : 2.4 * hfy_rng_uniform(&rng) - 1.2);
    CHECK(hfy_rate_weights(&one, r, P, N, 0, w, NULL) == HFY_OK);
    for (mu = 0; mu < P; mu++)
      for (i = 0; i < N; i++) { /* eq. 2 stands still */
        double v = -one.theta - threshold[i], g;
        for (k = 0; k < N; k++) v += w[i * N + k] * r[mu * N + k];
        g = round % 2 ? hfy_rate_g(&soft, v) : height * tanh(v);
        CHECK(fabs(gain[i] * g - r[mu * N + i]) < 1e-10);
      }
    CHECK(hfy_rate_jacobian(&one, w, r, N, j, NULL) == HFY_OK);
    for (k = 0; k < N; k++) {
      for (mu = 0; mu < 2; mu++) /* the flow at r +- h e_k */
        for (i = 0; i < N; i++) {
          double v = -one.theta - threshold[i];
          size_t a;
          for (a = 0; a < N; a++) v += w[i * N + a] * (r[a] + (a == k ? (mu ? h : -h) : 0));
          out[mu][i] = gain[i] * (round % 2 ? hfy_rate_g(&soft, v) : height * tanh(v)) - (i == k ? (mu ? h : -h) : 0);
        }
      for (i = 0; i < N; i++) CHECK(fabs((out[1][i] - out[0][i]) / (2 * h) - j[i * N + k]) < 1e-7);
    }
    CHECK(hfy_rate_spectrum(&one, w, r, N, re, im, NULL, NULL) == HFY_OK);
    CHECK(hfy_rate_stability(&one, w, r, P, N, abscissa, NULL, NULL) == HFY_OK);
    CHECK(fabs(re[0] - abscissa[0]) < 1e-9);
    for (i = 0; i < N; i++) start[i] = r[i] + 1e-4 * hfy_rng_normal(&rng);
    memset(&points, 0, sizeof points), points.abscissa = &found;
    CHECK(hfy_rate_fixed_points(&one, w, N, start, 1, end, &points, NULL) == HFY_OK);
    CHECK(apart(end, r, N) < 1e-7 && fabs(found - abscissa[0]) < 1e-6);
    if (abscissa[0] < -0.05) {
      CHECK(hfy_rate_simulate(&one, w, N, start, 1, NULL, end, NULL, NULL) == HFY_OK);
      CHECK(apart(end, r, N) < 1e-7);
    }
  }
}

/* Samples in place of log-normal rates: those of a log-normal's nodes, and exponential ones against eq. 6 and 7. */
TEST(replica_of_samples) {
  const hfy_rate one = unit(0.8, 0, -0.3);
  hfy_rate far;
  hfy_rate_replica a, b;
  hfy_rng rng = hfy_rng_seed(12);
  double r[900], weight[900], x;
  size_t k;
  for (k = 0; k < 900; k++) {
    const double z = -10 + 20 * (double)k / 900, s2 = log1p(0.36);
    r[k] = exp(sqrt(s2) * z - 0.5 * s2), weight[k] = exp(-0.5 * z * z);
  }
  CHECK(hfy_rate_solve_replica(&one, 0.6, 0.4, 0.5, &a, NULL) == HFY_OK);
  CHECK(hfy_rate_solve_replica_of(&one, r, weight, 900, 0.4, 0.5, &b, NULL) == HFY_OK);
  CHECK(fabs(a.q / b.q - 1) + fabs(a.m - b.m) + fabs(a.theta0 - b.theta0) < 1e-8);
  for (k = 0; k < 900; k++) r[k] *= 3; /* of three times the rate: the same weights, power 1 */
  far = unit(1, 0, -0.9), x = hfy_rate_solve_replica_of(&far, r, weight, 900, 0.4, 0.5, &b, NULL);
  far.theta = -0.3;
  CHECK(!(fabs(x) > 0) && hfy_rate_solve_replica(&far, 0.6, 0.4, 0.5, &a, NULL) == HFY_OK);
  CHECK(fabs(a.q / b.q - 1) + fabs(a.m - b.m) < 1e-8);
  for (k = 0; k < 900; k++) r[k] = -2 * log(1 - hfy_rng_uniform(&rng)); /* mean 2: dense: eq. 6 and 7 */
  CHECK(hfy_rate_solve_replica_of(&one, r, NULL, 900, 1, 0.3, &b, NULL) == HFY_OK);
  {
    hfy_rate_averages t;
    hfy_rate_load load;
    CHECK(hfy_rate_theory_of(&one, r, NULL, 900, 0, &t, NULL) == HFY_OK);
    CHECK(hfy_rate_at_load(&t, 0.3, &load, NULL) == HFY_OK);
    CHECK(fabs(b.q / load.weight_norm - 1) + fabs(b.m - load.weight_sum) < 1e-8);
  }
  x = b.q;
  CHECK(hfy_rate_solve_replica_of(&one, r, NULL, 900, 1, 1.01, &b, NULL) == HFY_ERR_INFEASIBLE);
  CHECK_EQ(b.q, x);
}

/* --- masks --- */

static int mask_at(const hfy_rate_mask *mask, size_t i, size_t j, size_t n) {
  const int own = mask->weight ? mask->weight[i * n + j] : 0;
  return own || !mask->column ? own : mask->column[j];
}

/* The conditions of an optimum (Karush, Kuhn, Tucker), which are sufficient: the program is convex. */
TEST(masked_weights_are_optimal) {
  enum { N = 24, P = 7 };
  static double w[N * N], lambda[N * P], plain[N * N], out[N * N], part[P * N];
  static signed char weight[N * N], column[N];
  hfy_rng rng = hfy_rng_seed(90);
  size_t round, i, j, mu, bound = 0, solved = 0, all = 0, silent = 0;
  for (round = 0; round < 16; round++) {
    const int silent_some = (int)(round % 2), soft = !silent_some && round % 4 == 0;
    const double margin = silent_some && round % 3 ? 0.05 : 0;
    double *r = patterns(700 + round, P, N, 0.7, silent_some ? 0.5 : 1);
    const hfy_rate one = unit(soft ? 0.9 : 1, soft ? 0.8 : 0, silent_some ? 0.4 : -0.5);
    hfy_status status[N], answer;
    hfy_rate_mask mask;
    hfy_rate_rows rows;
    memset(&rows, 0, sizeof rows), memset(&mask, 0, sizeof mask);
    rows.status = status, rows.multipliers = lambda;
    for (i = 0; i < N; i++) column[i] = hfy_rng_uniform(&rng) < 0.6 ? 1 : -1;
    for (i = 0; i < N * N; i++) { /* every kind; most as the column */
      const double u = hfy_rng_uniform(&rng);
      weight[i] = (signed char)(u < 0.2 ? 2 : u < 0.3 ? 1 : u < 0.4 ? -1 : 0);
    }
    if (round % 3 != 1) mask.column = column;
    if (round % 3 != 0) mask.weight = weight;
    answer = hfy_rate_weights_masked(&one, r, P, N, margin, &mask, w, &rows, NULL);
    CHECK(answer == HFY_OK || answer == HFY_ERR_INFEASIBLE);
    for (i = 0; i < N; i++) {
      all++;
      if (status[i]) continue;
      solved++;
      for (mu = 0; mu < P; mu++) { /* it holds the patterns; only silent units leave room */
        double v = 0;
        for (j = 0; j < N; j++) v += w[i * N + j] * r[mu * N + j];
        if (r[mu * N + i] > 0) {
          CHECK(fabs(v - one.theta - hfy_rate_inverse(&one, r[mu * N + i])) < 1e-7);
        } else {
          CHECK(v <= one.theta - margin + 1e-7 && lambda[i * P + mu] <= 1e-9);
          CHECK(fabs(lambda[i * P + mu] * (v - one.theta + margin)) < 1e-7 * (1 + fabs(lambda[i * P + mu])));
          silent += lambda[i * P + mu] < -1e-6;
        }
      }
      for (j = 0; j < N; j++) {
        const int sign = mask_at(&mask, i, j, N);
        const double x = w[i * N + j];
        double pull = 0;
        for (mu = 0; mu < P; mu++) pull += lambda[i * P + mu] * r[mu * N + j];
        CHECK((sign != 1 || x >= 0) && (sign != -1 || x <= 0) && (sign != 2 || !(fabs(x) > 0)));
        if (j == i)
          CHECK(!(fabs(x) > 0));
        else if (sign == 0 || fabs(x) > 0) /* free: the gradient is 0 */
          CHECK(fabs(x - pull) < 1e-7 * (1 + fabs(pull)));
        else if (sign != 2) /* bound: it pulls the forbidden way */
          CHECK(sign * pull < 1e-7 * (1 + fabs(pull)));
        bound += j != i && !(fabs(x) > 0);
      }
    }
    memset(&mask, 0, sizeof mask); /* no mask: as without */
    if (!soft) {
      CHECK(hfy_rate_weights_masked(&one, r, P, N, margin, &mask, out, NULL, NULL) == HFY_OK);
      CHECK(hfy_rate_weights_sparse(&one, r, P, N, margin, plain, NULL, NULL) == HFY_OK);
      CHECK(!memcmp(out, plain, sizeof out));
    }
    memset(weight, 0, sizeof weight), mask.weight = weight; /* a unit that nobody hears: the problem without it */
    for (i = 0; i < N; i++) weight[i * N + 3] = 2;
    CHECK(hfy_rate_weights_masked(&one, r, P, N, margin, &mask, out, NULL, NULL) == HFY_OK);
    for (i = 0; i < P * N; i++) part[i] = i % N == 3 ? 0 : r[i];
    if (silent_some) {
      hfy_rate_mask none;
      memset(&none, 0, sizeof none);
      answer = hfy_rate_weights_masked(&one, part, P, N, margin, &none, plain, NULL, NULL);
      for (i = 0; i < N; i++)
        if (i != 3) CHECK(apart(out + i * N, plain + i * N, N) < 1e-8);
    }
    free(r);
  }
  CHECK(solved > all / 2 && solved < all && bound > 1000 && silent > 20);
}

/* Nonnegative weights: a row has a solution if and only if its target is in the cone of its inputs; with two patterns
   that is a sector of the plane. */
TEST(masked_rows_without_a_solution) {
  enum { N = 6 };
  signed char column[N];
  hfy_rate_mask mask = {NULL, NULL};
  hfy_rng rng = hfy_rng_seed(8);
  size_t round, i, j, none = 0;
  mask.column = column;
  for (round = 0; round < 60; round++) {
    hfy_rate one = unit(1, 0, 0.4 - 0.8 * hfy_rng_uniform(&rng));
    double *r = patterns(1200 + round, 2, N, 1, 1), w[N * N];
    hfy_status status[N];
    hfy_rate_rows rows = {NULL, NULL, NULL};
    rows.status = status;
    for (j = 0; j < N; j++) column[j] = (signed char)(round % 2 || hfy_rng_uniform(&rng) < 0.7 ? 1 : -1);
    hfy_rate_weights_masked(&one, r, 2, N, 0, &mask, w, &rows, NULL);
    for (i = 0; i < N; i++) { /* is (b0, b1) between two of the vectors s_j (r_j^0, r_j^1), j != i ? */
      const double b0 = r[i] + one.theta, b1 = r[N + i] + one.theta;
      size_t a, b;
      int inside = 0;
      for (a = 0; a < N; a++)
        for (b = 0; b < N; b++) {
          const double x0 = column[a] * r[a], x1 = column[a] * r[N + a];
          const double y0 = column[b] * r[b], y1 = column[b] * r[N + b];
          const double det = x0 * y1 - x1 * y0;
          if (a == i || b == i || a == b || !(fabs(det) > 1e-9)) continue;
          inside |= (b0 * y1 - b1 * y0) / det >= 0 && (x0 * b1 - x1 * b0) / det >= 0;
        }
      CHECK((status[i] == HFY_OK) == inside);
      CHECK(!status[i] || status[i] == HFY_ERR_INFEASIBLE);
      none += !inside;
    }
    free(r);
  }
  CHECK(none > 30 && none < 330);
  for (round = 0; round < 5; round++) { /* a unit silent throughout takes no room: three patterns and a missing weight */
    const hfy_rate one = unit(1, 0, 0.2);
    double *r = patterns(1300 + round, 3, N, 1, 1), w[N * N];
    signed char missing[N * N];
    memset(missing, 0, sizeof missing), mask.column = NULL, mask.weight = missing;
    for (i = 0; i < N; i++) missing[i * N] = missing[i * N + 1] = 2;
    for (i = 0; i < 3; i++) r[i * N] = 0;
    hfy_rate_weights_masked(&one, r, 3, N, 0, &mask, w, NULL, NULL);
    for (i = 2; i < N; i++)
      for (j = 0; j < 3; j++) {
        double v = -one.theta;
        size_t k;
        for (k = 0; k < N; k++) v += w[i * N + k] * r[j * N + k];
        CHECK(fabs(v - r[j * N + i]) < 1e-8);
      }
    free(r);
  }
}

/* --- driven runs, fixed points --- */

static void wave(void *context, double t, double *in) {
  size_t i;
  for (i = 0; i < 3; i++) in[i] = 2 + *(const double *)context * cos(t + (double)i);
}

static void bad_wave(void *context, double t, double *in) {
  (void)context;
  in[0] = t < 0.5 ? 1 : nan_(), in[1] = in[2] = 1;
}

/* without coupling dx/dt = -x + 2 + cos(t + i), whose solution is known; and the record of it */
TEST(inputs_and_records) {
  static const size_t units[2] = {2, 0};
  double w[9] = {0}, start[6] = {1, 2, 3, 0.5, 0.1, 4}, end[6], part[6], record[2 * 11 * 2], one_record[11 * 2];
  double height = 1;
  const hfy_rate one = unit(1, 0, 0);
  hfy_rate_course c;
  hfy_rate_options o;
  size_t s, k, i;
  memset(&c, 0, sizeof c), memset(&o, 0, sizeof o);
  c.dt = 0.02, c.steps = 203, c.input = wave, c.context = &height, c.every = 20;
  c.units = units, c.n_units = 2, c.record = record;
  for (c.voltage = 0; c.voltage < 2; c.voltage++) {
    CHECK(hfy_rate_run(&one, w, 3, start, 2, &c, NULL, end, NULL, NULL) == HFY_OK);
    for (s = 0; s < 2; s++)
      for (k = 0; k < 12; k++)
        for (i = 0; i < 3; i++) {
          const double t = k < 11 ? 0.4 * (double)k : 4.06, p = (double)i;
          const double want = 2 + 0.5 * (cos(t + p) + sin(t + p)) +
                              (start[s * 3 + i] - 2 - 0.5 * (cos(p) + sin(p))) * exp(-t);
          const double got = k == 11 ? end[s * 3 + i] : i == 1 ? want : record[(s * 11 + k) * 2 + (i == 0)];
          CHECK(fabs(got - want) < 2e-8);
        }
  }
  c.voltage = 0;
  for (k = 0; k < 11; k++) { /* what is recorded is where a shorter run ends */
    c.steps = 20 * k, c.every = 0;
    CHECK(hfy_rate_run(&one, w, 3, start, 2, &c, NULL, part, NULL, NULL) == HFY_OK);
    for (s = 0; s < 2; s++)
      CHECK(!memcmp(&part[3 * s], &record[(s * 11 + k) * 2 + 1], 8) &&
            !memcmp(&part[3 * s + 2], &record[(s * 11 + k) * 2], 8));
  }
  c.steps = 203, c.every = 20, c.record = one_record; /* a state alone: the same bits */
  CHECK(hfy_rate_run(&one, w, 3, start + 3, 1, &c, NULL, part, NULL, NULL) == HFY_OK);
  CHECK(!memcmp(part, end + 3, 3 * 8) && !memcmp(one_record, record + 22, sizeof one_record));
  for (i = 0; i < 9; i++) w[i] = 0.3 * (double)(i % 4) - 0.3; /* no input: the classical runs */
  c.input = NULL, c.every = 0, c.steps = 200;
  o.dt = 0.02, o.duration = 4, o.tol = -1;
  CHECK(hfy_rate_run(&one, w, 3, start, 2, &c, NULL, end, NULL, NULL) == HFY_OK);
  CHECK(hfy_rate_simulate(&one, w, 3, start, 2, &o, part, NULL, NULL) == HFY_OK);
  CHECK(apart(end, part, 6) < 1e-12);
}

/* Ornstein-Uhlenbeck: two linear units that excite each other; the scheme's variances, along (1, 1) and (1, -1), are
   s^2 dt / (1 - (1 + lambda dt)^2), lambda = -1/2 and -3/2. Then a delay, whose first stretch is an exponential. */
TEST(noise_and_delay) {
  enum { S = 400 };
  static double start[2 * S], end[2 * S], again[2 * S];
  static hfy_rng rng[S];
  const double w[4] = {0, 0.5, 0.5, 0}, dt = 0.1;
  double sum[2] = {0, 0}, mean = 0, x, halved = 0.5, begin = 2;
  hfy_rate one = unit(1, 0, -50); /* far above threshold: linear, with fixed point 100 */
  hfy_rate_course c;
  size_t s, k, i;
  memset(&c, 0, sizeof c);
  c.dt = dt, c.steps = 100, c.noise = 0.7;
  for (s = 0; s < S; s++) rng[s] = hfy_rng_seed(5000 + s);
  for (i = 0; i < 2 * S; i++) start[i] = 100;
  for (k = 0; k < 6; k++) {
    CHECK(hfy_rate_run(&one, w, 2, k ? end : start, S, &c, rng, end, NULL, NULL) == HFY_OK);
    if (!k) continue; /* settles first */
    for (s = 0; s < S; s++) {
      const double a = (end[2 * s] + end[2 * s + 1] - 200) / sqrt(2), b = (end[2 * s] - end[2 * s + 1]) / sqrt(2);
      sum[0] += a * a / (5 * S), sum[1] += b * b / (5 * S), mean += a / (5 * S);
    }
  }
  for (k = 0; k < 2; k++) {
    const double stay = 1 - (k ? 1.5 : 0.5) * dt, want = 0.49 * dt / (1 - stay * stay);
    CHECK(fabs(sum[k] / want - 1) < 0.1); /* 2000 values: 3 % */
  }
  CHECK(fabs(mean) < 0.06);
  rng[0] = hfy_rng_seed(1), rng[1] = hfy_rng_seed(2); /* alone or together, the bits are those of the own generator */
  CHECK(hfy_rate_run(&one, w, 2, start, 2, &c, rng, end, NULL, NULL) == HFY_OK);
  rng[1] = hfy_rng_seed(2);
  CHECK(hfy_rate_run(&one, w, 2, start + 2, 1, &c, rng + 1, again, NULL, NULL) == HFY_OK);
  CHECK(!memcmp(end + 2, again, 2 * sizeof *end));
  memset(&c, 0, sizeof c); /* dx/dt = -x + x(t - 1)/2, x = 2 before 0: on 0 .. 1 it is 1 + e^-t, then by parts */
  one = unit(1, 0, 0);
  c.dt = 1e-3, c.delay = 1000, c.steps = 1000;
  CHECK(hfy_rate_run(&one, &halved, 1, &begin, 1, &c, NULL, &x, NULL, NULL) == HFY_OK);
  CHECK(fabs(x - (1 + exp(-1.0))) < 1e-3);
  c.steps = 2000; /* x(1 + u) = 1/2 + u e^-u/2 + (1/2 + e^-1) e^-u */
  CHECK(hfy_rate_run(&one, &halved, 1, &begin, 1, &c, NULL, &x, NULL, NULL) == HFY_OK);
  CHECK(fabs(x - (0.5 + 0.5 * exp(-1.0) + (0.5 + exp(-1.0)) * exp(-1.0))) < 1e-3);
}

TEST(driven_runs_refuse_and_diverge) {
  const size_t out_of_range[1] = {3};
  double w[9] = {0, 3, 0, 0, 0, 3, 3, 0, 0}, start[6] = {5, 5, 5, 0.01, 0.01, 0.01}, end[6], record[3];
  const hfy_rate one = unit(2, 0, 0);
  hfy_status each[2];
  hfy_rate_outcome outcome;
  hfy_rate_course c;
  hfy_work work;
  size_t i;
  memset(&c, 0, sizeof c), memset(&outcome, 0, sizeof outcome), memset(&work, 0, sizeof work);
  outcome.status = each, c.steps = 500;
  CHECK_FAILS(hfy_rate_run(&one, w, 3, start, 2, &c, NULL, end, &outcome, &work), HFY_ERR_NONFINITE, &work, "state 0");
  CHECK(each[0] == HFY_ERR_NONFINITE && each[1] == HFY_OK && end[0] > 5 && end[0] <= 6e6 && end[3] < 0.01);
  for (i = 0; i < 6; i++) end[i] = 7;
#define ARG(words) \
  CHECK_FAILS(hfy_rate_run(&one, w, 3, start, 2, &c, NULL, end, NULL, &work), HFY_ERR_ARG, &work, words)
  CHECK_FAILS(hfy_rate_run(&one, w, 3, start, 2, NULL, NULL, end, NULL, &work), HFY_ERR_ARG, &work, "course is NULL");
  c.noise = 1;
  ARG("rng is NULL");
  c.noise = -1;
  ARG("course->noise is -1");
  c.noise = 0, c.every = 1;
  ARG("course->record is NULL");
  c.record = record, c.units = out_of_range, c.n_units = 1;
  ARG("course->units[0] is 3; it should be below dim 3");
  c.every = 0, c.dt = -1;
  ARG("course->dt is -1");
  c.dt = 0, c.delay = SIZE_MAX;
  CHECK_FAILS(hfy_rate_run(&one, w, 3, start, 2, &c, NULL, end, NULL, &work), HFY_ERR_NOMEM, &work, "scratch");
  c.delay = 0, c.dt = 1e306;
  ARG("course: 500 steps of dt 1e306 end at no finite time");
  c.dt = 0, c.input = bad_wave;
  memset(w, 0, sizeof w);
  ARG("input: unit 0 gets");
#undef ARG
  for (i = 0; i < 6; i++) CHECK_EQ(end[i], 7);
  hfy_work_free(&work);
}

/* x = tanh 2x has three solutions; then stored patterns from nearby, and whatever else there is: solutions of eq. 2
   that runs return to or leave as their abscissas say */
TEST(fixed_points_stable_and_not) {
  enum { N = 30, P = 4, S = 12 };
  static double w[N * N], start[S * N], x[S * N], end[N];
  const double scalar = 2, height = 1;
  double from[4] = {0.03, 1.5, -0.8, 0.9}, to[4], abscissa[S], stored[P];
  hfy_rate_unit own = {tanh_g, tanh_slope, tanh_inverse, NULL, NULL, NULL};
  hfy_rate one = unit(0, 0, 0);
  hfy_status status[S];
  size_t first[S], steps[S], s, i, k, seed, others = 0, unstable = 0;
  hfy_rate_points points;
  points.status = status, points.abscissa = abscissa, points.first = first, points.steps = steps;
  own.context = &height, one.unit = &own;
  CHECK(hfy_rate_fixed_points(&one, &scalar, 1, from, 4, to, &points, NULL) == HFY_OK);
  CHECK(fabs(to[0]) < 1e-10 && fabs(abscissa[0] - 1) < 1e-9);
  for (s = 1; s < 4; s++) {
    CHECK(fabs(fabs(to[s]) - 0.95750402407728) < 1e-9 && (to[s] > 0) == (s != 2));
    CHECK(fabs(abscissa[s] - (1 - 2 * to[s] * to[s])) < 1e-8);
  }
  CHECK(first[0] == 0 && first[1] == 1 && first[2] == 2 && first[3] == 1);
  { /* a start that leaves the range of double ends no other search */
    const double w2[4] = {1e300, -1e300, 0, 0}, starts[4] = {1e300, 1e300, 0, 0};
    double ends[4] = {7, 7, 7, 7}, far[4] = {1e300, 0, 0, 0};
    one = unit(1, 0, 0);
    for (i = 0; i < 2; i++) { /* W r is infinity less infinity, then infinite */
      CHECK(hfy_rate_fixed_points(&one, i ? far : w2, 2, starts, 2, ends, &points, NULL) == HFY_ERR_CONVERGENCE);
      CHECK(status[0] == HFY_ERR_CONVERGENCE && abscissa[0] > DBL_MAX && ends[0] >= 1e300);
      CHECK(status[1] == HFY_OK && fabs(ends[2]) <= 0 && fabs(ends[3]) <= 0 && fabs(abscissa[1] + 1) < 1e-12);
    }
  }
  for (seed = 0; seed < 4; seed++) {
    double *r = patterns(40 + seed, P, N, 1.5, 1);
    hfy_rng rng = hfy_rng_seed(seed);
    one = unit(1.1, 0.8, -0.3);
    CHECK(hfy_rate_weights(&one, r, P, N, 0, w, NULL) == HFY_OK);
    CHECK(hfy_rate_stability(&one, w, r, P, N, stored, NULL, NULL) == HFY_OK);
    for (i = 0; i < S * N; i++)
      start[i] = i < P * N ? r[i] * exp(0.01 * hfy_rng_normal(&rng)) : 2 * hfy_rng_uniform(&rng);
    hfy_rate_fixed_points(&one, w, N, start, S, x, &points, NULL);
    CHECK(apart(x, r, P * N) < 1e-7 && apart(abscissa, stored, P) < 1e-6);
    for (s = 0; s < S; s++) {
      hfy_rate_options o;
      double off = 0, gap = 0;
      if (status[s]) continue;
      CHECK(steps[s] > 0 && first[s] <= s && apart(x + s * N, x + first[s] * N, N) < 1e-5);
      for (i = 0; i < N; i++) {
        double v = -one.theta;
        for (k = 0; k < N; k++) v += w[i * N + k] * x[s * N + k];
        off += fabs(hfy_rate_g(&one, v) - x[s * N + i]);
        start[i] = x[s * N + i] + 1e-5 * hfy_rng_normal(&rng), gap += pow(start[i] - x[s * N + i], 2);
      }
      CHECK(off < 1e-8);
      others += s >= P && first[s] >= P, unstable += abscissa[s] > 0.02;
      if (fabs(abscissa[s]) < 0.03) continue;
      memset(&o, 0, sizeof o);
      o.duration = 20 / fabs(abscissa[s]), o.tol = -1;
      hfy_rate_simulate(&one, w, N, start, 1, &o, end, NULL, NULL);
      for (off = 0, i = 0; i < N; i++) off += pow(end[i] - x[s * N + i], 2);
      CHECK(abscissa[s] < 0 ? off < 0.01 * gap : off > 100 * gap);
    }
    free(r);
  }
  CHECK(others > 0 && unstable > 5);
}

/* bulk and outliers at a load */
TEST(the_lead_at_a_load) {
  static const struct {
    double power, sigma, cv, off, alpha, want;
    int self;
  } at[] = {/* roots of the determinant by mpmath, 30 digits, with a quadrature of its own */
{1, 2, 0.5, 0, 0.03, -0.000415060273034, 1},
                  {1, 2, 0.5, 0, 0.03, -0.000950723018117, 0},
                  {1, 1, 1, 2, 0.1, 0.688243321606, 0},
                  {1, 1, 1, 2, 0.1, 0.690162390138, 1}};
  hfy_rng rng = hfy_rng_seed(77);
  hfy_rate_averages t;
  hfy_rate_lead lead;
  hfy_rate_rates rates;
  hfy_rate one;
  double x, y;
  size_t i, pairs = 0;
  int self;
  memset(&rates, 0, sizeof rates);
  for (i = 0; i < COUNT(at); i++) {
    one = unit(at[i].power, at[i].sigma, theta_star(at[i].power, at[i].sigma, at[i].cv) + at[i].off);
    rates.cv = at[i].cv;
    CHECK(hfy_rate_leading(&one, &rates, at[i].alpha, at[i].self, &lead, NULL) == HFY_OK);
    CHECK(fabs(lead.outlier[0] - at[i].want) < 1e-10 && lead.outliers == 1);
  }
  for (i = 0; i < 24; i++) { /* at no load: the eigenvalues of the 2 x 2 matrix, where no bulk hides them */
    rates.cv = 0.3 + hfy_rng_uniform(&rng), self = (int)(i % 2);
    one = unit(0.8 + 0.2 * hfy_rng_uniform(&rng), 0.3 + 2 * hfy_rng_uniform(&rng), 3 * hfy_rng_uniform(&rng));
    CHECK(hfy_rate_theory(&one, rates.cv, 0, &t, NULL) == HFY_OK);
    CHECK(hfy_rate_leading(&one, &rates, 1e-9, self, &lead, NULL) == HFY_OK);
    CHECK(hfy_rate_bulk_edge(&one, rates.cv, 1e-9, self, 0, &x, NULL) == HFY_OK);
    CHECK_EQ(lead.edge, x);
    CHECK(lead.outlier[lead.outliers ? lead.outliers - 1 : 0] >= x && lead.outlier[0] >= lead.outlier[1]);
    if (t.outlier_re[0] > lead.edge + 1e-4)
      CHECK(fabs(lead.outlier[0] - t.outlier_re[0]) < 1e-6);
    if (t.outlier_re[1] > lead.edge + 1e-4)
      CHECK(fabs(lead.outlier[1] - t.outlier_re[1]) < 1e-6);
    pairs += lead.outliers == 2;
  }
  CHECK(pairs > 1);
  for (self = 0; self < 2; self++) { /* the critical load is where the lead is 0, outlier or bulk */
    static const double units[][3] = {{1, 2, 0.5}, {1, 1, 1}, {1.05, 1, 1}};
    for (i = 0; i < 3; i++) {
      one = unit(units[i][0], units[i][1], theta_star(units[i][0], units[i][1], units[i][2]));
      rates.cv = units[i][2], rates.units = one.power > 1 ? 1000 : 0;
      CHECK(hfy_rate_critical_load(&one, &rates, self, &x, NULL) == HFY_OK);
      CHECK(hfy_rate_bulk_load(&one, rates.cv, self, rates.units, &y, NULL) == HFY_OK);
      CHECK(x > 0.02 && (i == 1 ? fabs(x - y) < 1e-5 : x < 0.85 * y));
      CHECK(hfy_rate_leading(&one, &rates, x, self, &lead, NULL) == HFY_OK && fabs(lead.outlier[0]) < 1e-5);
      if (self && !i) CHECK(fabs(x - 0.0317) < 5e-5); /* measured: .031 (N = 8000) */
    }
  }
  one = unit(1, 0, 0); /* marginal at every load */
  rates.cv = 1, rates.units = 0;
  CHECK(hfy_rate_critical_load(&one, &rates, 0, &x, NULL) == HFY_OK);
  CHECK_EQ(x, 0);
}

/* Samples that are the quadrature's nodes; and the abscissas of networks against their own patterns' averages: at these
   loads the outliers are .02 to .04 from where they are at none. */
TEST(the_lead_of_samples_and_networks) {
  static const double units[][4] = {{1, 2, 0.5, 0.15}, {1.2, 1, 1, 0.25}};
  double r[900], weight[900], near = 0, none = 0;
  hfy_rate one = unit(1, 1, 0.3);
  hfy_rate_rates rates, samples;
  hfy_rate_lead lead, same;
  size_t c, k, mu;
  memset(&rates, 0, sizeof rates), memset(&samples, 0, sizeof samples);
  rates.cv = 1;
  for (k = 0; k < 900; k++) {
    const double z = -11 + 24 * (double)k / 900, s2 = log1p(1.0);
    r[k] = exp(sqrt(s2) * z - 0.5 * s2), weight[k] = 7 * exp(-0.5 * z * z);
  }
  samples.r = r, samples.weight = weight, samples.n = 900;
  CHECK(hfy_rate_leading(&one, &rates, 0.2, 0, &lead, NULL) == HFY_OK);
  CHECK(hfy_rate_leading(&one, &samples, 0.2, 0, &same, NULL) == HFY_OK);
  CHECK(fabs(lead.edge - same.edge) + fabs(lead.outlier[0] - same.outlier[0]) < 1e-7);
  CHECK(lead.outliers == 1 && lead.outlier[0] > lead.edge + 0.01);
  for (c = 0; c < 2; c++) {
    const size_t n = 240, p = (size_t)(units[c][3] * (double)n + 0.5);
    double *pattern = patterns(900 + c, p, n, units[c][2], 1), *w = doubles(n * n), a[6], off = 0, still = 0;
    one = unit(units[c][0], units[c][1], theta_star(units[c][0], units[c][1], units[c][2]));
    CHECK(hfy_rate_weights(&one, pattern, p, n, 1, w, NULL) == HFY_OK);
    CHECK(hfy_rate_stability(&one, w, pattern, 6, n, a, NULL, NULL) == HFY_OK);
    samples.weight = NULL, samples.n = n;
    for (mu = 0; mu < 6; mu++) {
      samples.r = pattern + mu * n;
      CHECK(hfy_rate_leading(&one, &samples, units[c][3], 1, &lead, NULL) == HFY_OK);
      CHECK(hfy_rate_leading(&one, &samples, 1e-6, 1, &same, NULL) == HFY_OK);
      off += (a[mu] - lead.outlier[0]) / 6, still += (a[mu] - same.outlier[0]) / 6;
    }
    near += fabs(off), none += fabs(still);
    free(pattern), free(w);
  }
  CHECK(near < 0.03 && none > 3 * near);
  if (!(near < 0.03 && none > 3 * near)) printf("      (%g %g)\n", near, none);
}

TEST(moments_of_the_weights) {
  const size_t n = 200, p = 100;
  double *r = patterns(131, p, n, 0.5, 1), *w = doubles(n * n), squares = 0, sums = 0;
  hfy_rate one = unit(1, 1, 0.3);
  hfy_rate_averages t;
  hfy_rate_load load;
  CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
  CHECK(hfy_rate_theory(&one, 0.5, 0, &t, NULL) == HFY_OK);
  CHECK(hfy_rate_at_load(&t, 0.5, &load, NULL) == HFY_OK);
  squares = norm(w, n * n) * norm(w, n * n) / (double)n, sums = total(w, n * n) / (double)n;
  CHECK(squares / load.weight_norm > 0.95 && squares / load.weight_norm < 1.12); /* S1 */
  CHECK(fabs(sums / load.weight_sum - 1) < 0.04);                                /* S2 */
  CHECK(hfy_rate_weights(&one, r, p, n, 1, w, NULL) == HFY_OK);
  squares = norm(w, n * n) * norm(w, n * n) / (double)n;
  CHECK(fabs(squares / load.weight_norm_self - 1) < 0.06); /* S3 */
  free(r), free(w);
}

/* S9: the corrected outliers are where the abscissa is, at thresholds where the paper's are not */
TEST(outliers_are_where_the_theory_puts_them) {
  static const double at[][4] = {{1.5, 0.5, 1, 1}, {1.5, 0.5, 1, 2}, {1, 1, 1, 2}};
  size_t c;
  for (c = 0; c < 3; c++) {
    const size_t n = 200, p = 20;
    double *r = patterns(140 + c, p, n, at[c][2], 1), *w = doubles(n * n), a[6];
    hfy_rate one = unit(at[c][0], at[c][1], theta_star(at[c][0], at[c][1], at[c][2]) + at[c][3]);
    hfy_rate_averages t;
    CHECK(hfy_rate_theory(&one, at[c][2], 0, &t, NULL) == HFY_OK);
    CHECK(hfy_rate_weights(&one, r, p, n, 0, w, NULL) == HFY_OK);
    CHECK(hfy_rate_stability(&one, w, r, 6, n, a, NULL, NULL) == HFY_OK);
    CHECK(fabs(total(a, 6) / 6 - t.outlier_re[0]) < 0.06);
    free(r), free(w);
  }
}

TEST(every_golden_row_was_asked_for) {
  size_t i;
  if (check_filter[0]) return;
  for (i = 0; i < ROWS; i++) {
    if (!strncmp(rate_targets[i].name, "I", 1)) continue; /* test_eigen.c */
    CHECK(seen[i]);
    if (!seen[i]) printf("      (%s)\n", rate_targets[i].name);
  }
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(the_unit_is_golden);
  RUN(the_inverse_inverts);
  RUN(the_unit_far_out);
  RUN(slopes_up_to_the_largest);
  RUN(slopes_are_derivatives);
  RUN(the_unit_is_the_post);
  RUN(patterns_are_golden);
  RUN(patterns_have_their_moments);
  RUN(perturbed_and_partial);
  RUN(dense_theory_is_golden);
  RUN(averages_in_closed_form);
  RUN(averages_at_a_given_threshold);
  RUN(beyond_double);
  RUN(an_infinite_slope);
  RUN(thresholds_bound_the_outliers);
  RUN_ONCE(samples_and_quadrature_agree);
  RUN_ONCE(corrected_theory_is_golden);
  RUN_ONCE(optima_are_golden);
  RUN(optima_of_small_cv);
  RUN_ONCE(theory_at_its_ends);
  RUN(replica_is_golden);
  RUN(circular_law_is_golden);
  RUN(dense_problems_are_golden);
  RUN(dense_rows_have_least_norm);
  RUN(dense_weights_near_capacity);
  RUN(dense_identities);
  RUN(the_net_is_the_network);
  RUN(modes_are_eigenvectors);
  RUN(sparse_problems_are_golden);
  RUN(feasible_rows_are_golden);
  RUN(sparse_rows_are_optimal);
  RUN(silence_needs_a_threshold);
  RUN(a_uniform_mode_is_not_the_memory);
  RUN(dense_patterns_are_the_case_without_inequalities);
  RUN(marginal_is_not_stable);
  RUN_LONG(units_on_their_threshold);
  RUN(silent_units_in_spectra);
  RUN(no_row_has_more_constraints_than_weights);
  RUN(sparse_rows_are_polished);
  RUN_ONCE(threshold_search_is_golden);
  RUN_ONCE(brackets_widen);
  RUN_ONCE(brackets_widen_far);
  RUN(sparse_thresholds);
  RUN(dynamics_are_golden);
  RUN(integrators_and_forms_agree);
  RUN_ONCE(batches_are_one_by_one);
  RUN_LONG(the_jacobian_predicts_return_and_departure);
  RUN(runs_that_settle_run_out_and_diverge);
  RUN_ONCE(infinite_slopes_do_not_stall);
  RUN_ONCE(no_run_goes_on_for_ever);
  RUN(sparse_rows_are_never_nan);
  RUN_LONG(basins);
  RUN_ONCE(basins_count_the_starts_that_return);
  RUN(asymmetry);
  RUN(bad_arguments);
  RUN(scratch_is_known_beforehand);
  RUN_ONCE(a_unit_of_the_callers);
  RUN(gains_thresholds_and_signs);
  RUN(no_slope_is_stable);
  RUN(replica_of_samples);
  RUN(inputs_and_records);
  RUN_ONCE(noise_and_delay);
  RUN(driven_runs_refuse_and_diverge);
  RUN_ONCE(fixed_points_stable_and_not);
  RUN(masked_weights_are_optimal);
  RUN(masked_rows_without_a_solution);
  RUN_LONG(the_lead_at_a_load);
  RUN_ONCE(the_lead_of_samples_and_networks);
  RUN(moments_of_the_weights);
  RUN_ONCE(outliers_are_where_the_theory_puts_them);
  RUN_ONCE(every_golden_row_was_asked_for);
  return CHECK_END();
}
