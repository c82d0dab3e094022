/* seps.h: what the tests of separations share: every kind with a range of parameters, scores of several shapes. */
#ifndef SEPS_H
#define SEPS_H

#define ROW 1024

static CHECK_UNUSED hfy_sep sep_of(hfy_sep_kind kind) {
  hfy_sep sep;
  memset(&sep, 0, sizeof sep);
  sep.kind = kind;
  return sep;
}

static CHECK_UNUSED hfy_sep entmax(double alpha) {
  hfy_sep sep = sep_of(HFY_SEP_ENTMAX);
  sep.alpha = alpha;
  return sep;
}

static CHECK_UNUSED hfy_sep normmax(double gamma) {
  hfy_sep sep = sep_of(HFY_SEP_NORMMAX);
  sep.gamma = gamma;
  return sep;
}

static CHECK_UNUSED hfy_sep ksubsets(double k) {
  hfy_sep sep = sep_of(HFY_SEP_KSUBSETS);
  sep.k = k;
  return sep;
}

static CHECK_UNUSED hfy_sep power(double degree) {
  hfy_sep sep = sep_of(HFY_SEP_POWER);
  sep.degree = degree;
  return sep;
}

static CHECK_UNUSED hfy_sep argmax(double k) {
  hfy_sep sep = sep_of(HFY_SEP_ARGMAX);
  sep.k = k;
  return sep;
}

static const double alphas[] = {0.05, 0.3, 0.5, 0.9, 0.999999999, 1, 1.000000001, 1.05, 1.3, 1.5, 1.7, 2, 2.5, 3, 4,
                                5, 8, 10, 20, 50, 200, 1e4, 1e9, HUGE_VAL};
static const double gammas[] = {1, 1.000000001, 1.05, 1.2, 1.5, 2, 3, 5, 10, 100, 1e4, 1e8, 1e30, HUGE_VAL};

/* Every kind with a range of parameters: for what must hold of all. */
static CHECK_UNUSED size_t all_seps(hfy_sep *list) {
  size_t n = 0, i;
  list[n++] = sep_of(HFY_SEP_SOFTMAX);
  list[n++] = sep_of(HFY_SEP_SPARSEMAX);
  for (i = 0; i < COUNT(alphas); i++) list[n++] = entmax(alphas[i]);
  for (i = 0; i < COUNT(gammas); i++) list[n++] = normmax(gammas[i]);
  list[n++] = ksubsets(1);
  list[n++] = ksubsets(0.5);
  list[n++] = ksubsets(2);
  list[n++] = ksubsets(2.5);
  list[n++] = ksubsets(3);
  list[n - 1].rho = 0.4;
  list[n++] = sep_of(HFY_SEP_IDENTITY);
  list[n++] = power(1.5);
  list[n++] = power(3);
  list[n++] = power(6);
  list[n] = power(2), list[n++].kind = HFY_SEP_RECTIFIED;
  list[n] = power(4.5), list[n++].kind = HFY_SEP_RECTIFIED;
  list[n++] = sep_of(HFY_SEP_EXP);
  list[n++] = argmax(1);
  list[n++] = argmax(3);
  list[n++] = sep_of(HFY_SEP_UNIFORM);
  return n;
}

static CHECK_UNUSED int is_simplex(const hfy_sep *sep) {
  return sep->kind == HFY_SEP_SOFTMAX || sep->kind == HFY_SEP_SPARSEMAX || sep->kind == HFY_SEP_ENTMAX ||
         sep->kind == HFY_SEP_NORMMAX || sep->kind == HFY_SEP_UNIFORM;
}

static CHECK_UNUSED double total_of(const hfy_sep *sep) { return is_simplex(sep) ? 1 : oracle_or(sep->k, 1); }

static CHECK_UNUSED int is_polytope(const hfy_sep *sep) {
  return is_simplex(sep) || sep->kind == HFY_SEP_KSUBSETS || sep->kind == HFY_SEP_ARGMAX;
}

/* Says which separation a failure belongs to. */
static CHECK_UNUSED void show(const hfy_sep *sep, size_t n, double scale) {
  static int seen;
  if (check_errors < seen) seen = 0;
  if (check_errors > seen && seen < 5)
    printf("      (kind %d alpha %.17g gamma %.17g k %g rho %g degree %g; n %lu, scale %g)\n", (int)sep->kind,
           sep->alpha, sep->gamma, sep->k, sep->rho, sep->degree, (unsigned long)n, scale);
  seen = check_errors;
}

/* Scores of several shapes: plain normals, ties, a masked third, one far above, all equal. */
enum { SHAPE_NORMAL, SHAPE_TIES, SHAPE_MASKED, SHAPE_PEAK, SHAPE_EQUAL, SHAPES };
static CHECK_UNUSED void scores(hfy_rng *rng, int shape, double scale, size_t n, hfy_real *theta) {
  size_t i;
  double level = hfy_rng_normal(rng);
  for (i = 0; i < n; i++) {
    double v = hfy_rng_normal(rng);
    if (shape == SHAPE_TIES) v = floor(v * 2) / 2;
    if (shape == SHAPE_PEAK && i == n / 2) v += 3;
    if (shape == SHAPE_EQUAL) v = level;
    theta[i] = (hfy_real)(scale * v);
    if (shape == SHAPE_MASKED && i % 3 == 0 && n > 4) theta[i] = (hfy_real)-HUGE_VAL;
  }
}

static CHECK_UNUSED void widen(const hfy_real *x, size_t n, wide *out) {
  size_t i;
  for (i = 0; i < n; i++) out[i] = x[i];
}

/* y is the prediction for theta: values, support, sum, order. */
static CHECK_UNUSED void check_row(const hfy_sep *sep, const hfy_real *theta, size_t n, size_t row, const hfy_real *y,
                                   double scale) {
  static wide t[ROW], want[ROW];
  double slack;
  wide edge, sum = 0;
  size_t i;
  int before = check_errors;
  widen(theta, n, t);
  oracle_sep(sep, t, n, row, want);
  edge = oracle_edge;
  /* normmax, large gamma: y = w^(1/(gamma-1)) is steep at w = 0, and w carries the rounding of a difference */
  slack = sep->kind == HFY_SEP_NORMMAX && edge < 1e-3L ? 1e-16 / ((double)edge + 1e-18) : 0;
  if (slack > 1) slack = 1;
  for (i = 0; i < n; i++) {
    double w = (double)want[i], got = (double)y[i], tol;
    tol = (sizeof(hfy_real) == 4 ? 1.5 * REAL_EPS * fabs(w) : ORACLE_TOL * (fabs(w) > 1 ? fabs(w) : 1)) +
          ORACLE_TOL + slack;
    sum += got;
    if (!(fabs(got - w) <= tol)) CHECK_NEAR(got, w, 0);
    if (is_polytope(sep)) {
      if (got < 0) CHECK(got >= 0);
      if ((got > 0) != (want[i] > 0) && want[i] > 1e-13L && edge > 1e-13L &&
          w > (sizeof(hfy_real) == 4 ? 1e-30 : 1e-200))
        CHECK((got > 0) == (want[i] > 0));
      if (got > 0 && !(want[i] > 0) && edge > 1e-13L) CHECK(!(got > 0));
      if (!oracle_finite(t[i])) CHECK_EQ(got, sep->lower ? sep->lower[row * sep->bound_stride + i] : 0);
    }
  }
  if (is_polytope(sep) && !sep->plus)
    CHECK_NEAR(sum / total_of(sep), 1, sizeof(hfy_real) == 4 ? 0.75 * REAL_EPS : 1e-15 + 3e-17 * (double)n);
  if (check_errors != before) show(sep, n, scale);
}

/* random bounds around a third each, some of them 0, wide or equal */
static CHECK_UNUSED void bounds(hfy_rng *rng, size_t n, double total, double *lower, double *upper) {
  double high = 0;
  size_t i;
  for (i = 0; i < n; i++) {
    double u = hfy_rng_uniform(rng);
    lower[i] = u < 0.3 ? 0 : 0.5 * total / (double)n * hfy_rng_uniform(rng);
    upper[i] = lower[i] + (u > 0.9 ? 0 : u > 0.8 ? 5 : 3.0 * total / (double)n * hfy_rng_uniform(rng));
    high += upper[i];
  }
  if (high < total)
    for (i = 0; i < n; i++) upper[i] += (total - high) / (double)n * 1.5;
}

#endif
