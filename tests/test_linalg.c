/* test_linalg.c: symmetric eigenvalues, singular values and pseudo-inverses: closed forms, residuals and orthogonality on
   many shapes and spectra, ill-conditioned and rank-deficient matrices, every status. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"

enum { MOST = 150 };
static double a[MOST * MOST], b[MOST * MOST], values[MOST], vectors[MOST * MOST], left[MOST * MOST], right[MOST * MOST];
static hfy_work work;

static void draw(hfy_rng *rng, double *x, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) x[i] = hfy_rng_normal(rng);
}

/* Largest entry of |A V - V diag(values)| and of |V V^T - 1|, V's vectors as rows. */
static double residual(const double *m, size_t n) {
  double most = 0;
  size_t i, j, k;
  for (i = 0; i < n; i++)
    for (j = 0; j < n; j++) {
      double sum = -values[i] * vectors[i * n + j];
      for (k = 0; k < n; k++) sum += (j >= k ? m[j * n + k] : m[k * n + j]) * vectors[i * n + k];
      if (fabs(sum) > most) most = fabs(sum);
    }
  return most;
}

static double orthogonality(const double *v, size_t rows, size_t n) {
  double most = 0;
  size_t i, j, k;
  for (i = 0; i < rows; i++)
    for (j = 0; j <= i; j++) {
      double sum = i == j ? -1 : 0;
      for (k = 0; k < n; k++) sum += v[i * n + k] * v[j * n + k];
      if (fabs(sum) > most) most = fabs(sum);
    }
  return most;
}

TEST(closed_forms) {
  static const double two[] = {2, 99, 1, 2}; /* what is above the diagonal is not read */
  static const double pi = 3.14159265358979323846;
  size_t n, i;
  CHECK(hfy_linalg_eigen(two, 2, values, vectors, &work) == HFY_OK);
  CHECK_NEAR(values[0], 3, 1e-15);
  CHECK_NEAR(values[1], 1, 1e-15);
  CHECK_NEAR(fabs(vectors[0] + vectors[1]), sqrt(2.0), 1e-15);
  for (n = 1; n <= 97; n += n < 5 ? 1 : 23) { /* second differences: 2 - 2 cos(k pi / (n+1)) */
    memset(a, 0, sizeof a);
    for (i = 0; i < n; i++) {
      a[i * n + i] = 2;
      if (i) a[i * n + i - 1] = -1;
    }
    CHECK(hfy_linalg_eigen(a, n, values, NULL, &work) == HFY_OK);
    for (i = 0; i < n; i++) CHECK_NEAR(values[i], 2 - 2 * cos((double)(n - i) * pi / (double)(n + 1)), 1e-14);
  }
  for (n = 2; n < 130; n += 31) { /* all ones: n and zeros */
    for (i = 0; i < n * n; i++) a[i] = 1;
    CHECK(hfy_linalg_eigen(a, n, values, vectors, &work) == HFY_OK);
    CHECK_NEAR(values[0], n, 1e-14);
    CHECK(fabs(values[1]) < 1e-12 && fabs(values[n - 1]) < 1e-12);
    CHECK(orthogonality(vectors, n, n) < 1e-13);
  }
  for (n = 20; n < 141; n += 40) { /* rank 6, sizes over decades: much rounding, little else */
    hfy_rng rng = hfy_rng_seed(n);
    size_t j, k;
    draw(&rng, b, 6 * n);
    for (i = 0; i < n; i++)
      for (j = 0; j <= i; j++)
        for (a[i * n + j] = 0, k = 0; k < 6; k++)
          a[i * n + j] += b[k * n + i] * b[k * n + j] * pow(10, -2.0 * (double)k);
    CHECK(hfy_linalg_eigen(a, n, values, vectors, &work) == HFY_OK);
    CHECK(fabs(values[6]) < 1e-13 * values[0] && fabs(values[n - 1]) < 1e-13 * values[0] && values[5] > 1e-9);
    CHECK(residual(a, n) < 1e-12 * values[0] && orthogonality(vectors, n, n) < 1e-12);
  }
  memset(a, 0, sizeof a);
  CHECK(hfy_linalg_eigen(a, 40, values, vectors, &work) == HFY_OK && values[0] == 0 && values[39] == 0);
  CHECK(orthogonality(vectors, 40, 40) == 0);
}

TEST(eigen_random) {
  static const size_t sizes[] = {1, 2, 3, 31, 32, 33, 64, 65, 100, 141};
  hfy_rng rng = hfy_rng_seed(3);
  size_t s, i, j, n;
  int kind;
  for (s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
    for (kind = 0; kind < 4; kind++) {
      double scale = kind == 1 ? 1e150 : kind == 2 ? 1e-160 : 1, trace = 0, sum = 0;
      n = sizes[s];
      draw(&rng, a, n * n);
      for (i = 0; i < n; i++)
        for (j = 0; j < n; j++) {
          if (j > i) a[i * n + j] = a[j * n + i] = a[i * n + j];
          a[i * n + j] *= scale;
        }
      for (i = 0; kind == 3 && i < n; i++) /* graded: sizes over 20 decades */
        for (j = 0; j < n; j++) a[i * n + j] *= pow(10, -10.0 * (double)(i + j) / (double)n);
      CHECK(hfy_linalg_eigen(a, n, values, vectors, &work) == HFY_OK);
      CHECK(residual(a, n) <= 40 * (double)n * 2.3e-16 * (fabs(values[0]) + fabs(values[n - 1])));
      CHECK(orthogonality(vectors, n, n) < 20 * (double)n * 2.3e-16);
      for (i = 0; i < n; i++) trace += a[i * n + i], sum += values[i];
      CHECK(fabs(trace - sum) <= 1e-12 * (double)n * (fabs(values[0]) + fabs(values[n - 1])));
      for (i = 1; i < n; i++) CHECK(values[i - 1] >= values[i]);
      memcpy(b, values, n * sizeof(double));
      CHECK(hfy_linalg_eigen(a, n, values, NULL, &work) == HFY_OK);
      CHECK(!memcmp(b, values, n * sizeof(double))); /* with and without vectors */
    }
}

/* |A - sum values left right^T| at most this. */
static double svd_residual(const double *m, size_t rows, size_t columns) {
  size_t r = rows < columns ? rows : columns, i, j, k;
  double most = 0;
  for (i = 0; i < rows; i++)
    for (j = 0; j < columns; j++) {
      double sum = m[i * columns + j];
      for (k = 0; k < r; k++) sum -= values[k] * left[k * rows + i] * right[k * columns + j];
      if (fabs(sum) > most) most = fabs(sum);
    }
  return most;
}

TEST(svd_random) {
  static const size_t shapes[][2] = {{1, 1}, {1, 7}, {7, 1}, {5, 3}, {3, 5}, {40, 40}, {120, 33}, {33, 120}, {100, 99}};
  hfy_rng rng = hfy_rng_seed(4);
  size_t s, i, j, k;
  for (s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
    size_t rows = shapes[s][0], columns = shapes[s][1], r = rows < columns ? rows : columns;
    draw(&rng, a, rows * columns);
    CHECK(hfy_linalg_svd(a, rows, columns, values, left, right, &work) == HFY_OK);
    CHECK(svd_residual(a, rows, columns) < 1e-13 * values[0]);
    CHECK(orthogonality(left, r, rows) < 1e-13 && orthogonality(right, r, columns) < 1e-13);
    for (i = 1; i < r; i++) CHECK(values[i - 1] >= values[i] && values[i] > 0);
  }
  { /* rotations times given values over 14 decades: absolute errors stay at eps */
    size_t n = 30;
    double *q = b;
    draw(&rng, a, n * n);
    for (i = 0; i < n; i++)
      for (j = 0; j < i; j++) a[j * n + i] = a[i * n + j];
    CHECK(hfy_linalg_eigen(a, n, values, q, &work) == HFY_OK);
    for (i = 0; i < n; i++)
      for (j = 0; j < n; j++) {
        a[i * n + j] = 0;
        for (k = 0; k < n; k++)
          a[i * n + j] += q[k * n + i] * pow(10, -14.0 * (double)k / 29) * (k % 2 ? 1 : -1) * q[k * n + j];
      }
    CHECK(hfy_linalg_svd(a, n, n, values, left, right, &work) == HFY_OK);
    for (k = 0; k < n; k++) CHECK(fabs(values[k] - pow(10, -14.0 * (double)k / 29)) < 2e-15);
    CHECK(orthogonality(left, n, n) < 1e-12 && orthogonality(right, n, n) < 1e-12);
    CHECK(svd_residual(a, n, n) < 1e-14);
  }
  { /* rank 2 of 6 x 4; and nothing at all */
    double x[24];
    for (i = 0; i < 6; i++)
      for (j = 0; j < 4; j++) x[i * 4 + j] = (double)(i + 1) * (double)(j + 1) + (i % 2 ? 2.0 : -1.0);
    CHECK(hfy_linalg_svd(x, 6, 4, values, left, right, &work) == HFY_OK);
    CHECK(values[1] > 1 && values[2] < 1e-13 && svd_residual(x, 6, 4) < 1e-13);
    memset(x, 0, sizeof x);
    CHECK(hfy_linalg_svd(x, 6, 4, values, left, right, &work) == HFY_OK && values[0] == 0 && left[0] == 0);
  }
  { /* rank 1: rounding leaves a second value that double does not hold */
    double x[6];
    for (i = 0; i < 6; i++) x[i] = ldexp((i % 2 ? 3 : 7) * (double)(2 * (i / 2) + 1), -1066);
    CHECK(hfy_linalg_svd(x, 3, 2, values, left, right, &work) == HFY_OK && values[0] > 0 && values[1] <= 0);
    CHECK(fabs(left[0]) > 0.1 && left[3] * left[3] + left[4] * left[4] + left[5] * left[5] <= 0);
  }
}

/* Entries over up to 300 decades: columns far below the one above them, squares that underflow. */
TEST(graded) {
  static const double decades[] = {20, 80, 160, 300};
  hfy_rng rng = hfy_rng_seed(6);
  size_t trial, i, j, r;
  for (trial = 0; trial < 2000; trial++) {
    const size_t n = 2 + trial % 5, m = 2 + trial % 3;
    const double over = decades[trial % COUNT(decades)];
    double size[6], most;
    for (i = 0; i < n; i++) size[i] = i ? pow(10, -over / 2 * hfy_rng_uniform(&rng)) : 1;
    for (i = 0; i < n; i++)
      for (j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = hfy_rng_normal(&rng) * size[i] * size[j];
    CHECK(hfy_linalg_eigen(a, n, values, vectors, &work) == HFY_OK);
    most = fabs(values[0]) > fabs(values[n - 1]) ? fabs(values[0]) : fabs(values[n - 1]);
    CHECK(residual(a, n) < 1e-14 * most && orthogonality(vectors, n, n) < 1e-14);
    for (i = 0; i < n * m; i++) a[i] = hfy_rng_normal(&rng) * pow(10, -over * hfy_rng_uniform(&rng));
    CHECK(hfy_linalg_svd(a, n, m, values, left, right, &work) == HFY_OK);
    CHECK(svd_residual(a, n, m) < 1e-14 * values[0]);
    r = n < m ? n : m; /* of a value that underflows one vector is zero */
    while (r && !(values[r - 1] > 1e-140 * values[0])) r--;
    CHECK(orthogonality(left, r, n) < 1e-14 && orthogonality(right, r, m) < 1e-14);
  }
  for (trial = 0; trial < 2; trial++) { /* many rows over many decades: more than 60 sweeps */
    const size_t n = 130;
    draw(&rng, a, n * n);
    for (i = 0; i < n; i++) {
      const double size = pow(10, -150 * hfy_rng_uniform(&rng));
      for (j = 0; j < n; j++) a[trial ? j * n + i : i * n + j] *= size;
    }
    if (!CHECK(hfy_linalg_svd(a, n, n, values, left, right, &work) == HFY_OK)) continue;
    CHECK(svd_residual(a, n, n) < 1e-14 * values[0]);
    for (r = n; r && !(values[r - 1] > 1e-140 * values[0]);) r--;
    CHECK(orthogonality(left, r, n) < 1e-12 && orthogonality(right, r, n) < 1e-12);
  }
}

/* The four conditions of Penrose. */
static double penrose(const double *m, const double *p, size_t rows, size_t columns) {
  static double mp[MOST * MOST], pm[MOST * MOST];
  double most = 0;
  size_t i, j, k;
  for (i = 0; i < rows; i++)
    for (j = 0; j < rows; j++)
      for (mp[i * rows + j] = 0, k = 0; k < columns; k++) mp[i * rows + j] += m[i * columns + k] * p[k * rows + j];
  for (i = 0; i < columns; i++)
    for (j = 0; j < columns; j++)
      for (pm[i * columns + j] = 0, k = 0; k < rows; k++)
        pm[i * columns + j] += p[i * rows + k] * m[k * columns + j];
#define WORST(x) (most = fabs(x) > most ? fabs(x) : most)
  for (i = 0; i < rows; i++)
    for (j = 0; j < rows; j++) WORST(mp[i * rows + j] - mp[j * rows + i]);
  for (i = 0; i < columns; i++)
    for (j = 0; j < columns; j++) WORST(pm[i * columns + j] - pm[j * columns + i]);
  for (i = 0; i < rows; i++)
    for (j = 0; j < columns; j++) {
      double x = -m[i * columns + j], y = -p[j * rows + i];
      for (k = 0; k < rows; k++) x += mp[i * rows + k] * m[k * columns + j], y += p[j * rows + k] * mp[k * rows + i];
      WORST(x), WORST(y);
    }
  return most;
}

TEST(pseudo_inverse) {
  hfy_rng rng = hfy_rng_seed(5);
  size_t rank, i, j;
  double x[60], p[60];
  draw(&rng, x, 60);
  CHECK(hfy_linalg_pinv(x, 12, 5, 0, p, &rank, &work) == HFY_OK && rank == 5);
  CHECK(penrose(x, p, 12, 5) < 1e-13);
  CHECK(hfy_linalg_pinv(x, 5, 12, 0, p, &rank, &work) == HFY_OK && rank == 5);
  CHECK(penrose(x, p, 5, 12) < 1e-13);
  for (i = 0; i < 12; i++)
    for (j = 0; j < 5; j++) x[i * 5 + j] = (double)(i % 3) + (double)j * (double)(i % 2);
  CHECK(hfy_linalg_pinv(x, 12, 5, 0, p, &rank, &work) == HFY_OK && rank == 2);
  CHECK(penrose(x, p, 12, 5) < 1e-12);
  memset(x, 0, sizeof x);
  p[3] = 7;
  CHECK(hfy_linalg_pinv(x, 12, 5, 0, p, &rank, &work) == HFY_OK && rank == 0 && p[3] == 0);
  x[0] = 1, x[6] = 1e-3; /* 12 x 5: values 1 and 1e-3 */
  CHECK(hfy_linalg_pinv(x, 12, 5, 1e-2, p, &rank, &work) == HFY_OK && rank == 1);
  CHECK_NEAR(p[0], 1, 1e-15);
  CHECK(hfy_linalg_pinv(x, 12, 5, 1e-4, p, NULL, &work) == HFY_OK);
  CHECK_NEAR(p[12 + 1], 1000, 1e-13);
}

static void fill_double(double *x, size_t n, double value) {
  while (n--) x[n] = value;
}

TEST(bad_input) {
  double x[4] = {1, 2, 3, 4}, v[2] = {7, 7}, zero = 0, nan = zero / zero;
  unsigned char small[64];
  hfy_work tight = {0};
  CHECK_FAILS(hfy_linalg_eigen(NULL, 2, v, NULL, &work), HFY_ERR_ARG, &work, "a is NULL");
  CHECK_FAILS(hfy_linalg_eigen(x, 2, NULL, NULL, &work), HFY_ERR_ARG, &work, "values is NULL");
  CHECK_FAILS(hfy_linalg_eigen(x, 0, v, NULL, &work), HFY_ERR_ARG, &work, "n is 0");
  CHECK_FAILS(hfy_linalg_eigen(x, SIZE_MAX / 2, v, NULL, &work), HFY_ERR_ARG, &work, "size cannot exist");
  CHECK_FAILS(hfy_linalg_svd(x, 0, 2, v, NULL, NULL, &work), HFY_ERR_ARG, &work, "rows is 0");
  CHECK_FAILS(hfy_linalg_svd(x, 2, 0, v, NULL, NULL, &work), HFY_ERR_ARG, &work, "columns 0");
  CHECK_FAILS(hfy_linalg_svd(x, SIZE_MAX / 16, 2, v, NULL, NULL, &work), HFY_ERR_ARG, &work, "should exist");
  CHECK_FAILS(hfy_linalg_svd(NULL, 2, 2, v, NULL, NULL, &work), HFY_ERR_ARG, &work, "a is NULL");
  CHECK_FAILS(hfy_linalg_svd(x, 2, 2, NULL, NULL, NULL, &work), HFY_ERR_ARG, &work, "values is NULL");
  CHECK_FAILS(hfy_linalg_pinv(x, 2, 2, 0, NULL, NULL, &work), HFY_ERR_ARG, &work, "inverse is NULL");
  CHECK_FAILS(hfy_linalg_pinv(x, 2, 2, -1, v, NULL, &work), HFY_ERR_ARG, &work, "cut is -1");
  CHECK_FAILS(hfy_linalg_pinv(x, 2, 2, nan, v, NULL, &work), HFY_ERR_ARG, &work, "cut is nan");
  { /* either side of a decomposition alone */
    double value[2], u[2][4], v_of[2][4];
    CHECK(!hfy_linalg_svd(x, 2, 2, value, u[0], v_of[0], &work) && !hfy_linalg_svd(x, 2, 2, value, u[1], NULL, &work));
    CHECK(!hfy_linalg_svd(x, 2, 2, value, NULL, v_of[1], &work));
    CHECK(!memcmp(u[0], u[1], sizeof *u) && !memcmp(v_of[0], v_of[1], sizeof *v_of));
  }
  tight.buffer = small, tight.capacity = sizeof small;
  CHECK_FAILS(hfy_linalg_eigen(x, 2, v, NULL, &tight), HFY_ERR_NOMEM, &tight, "this call needs");
  CHECK(tight.peak > sizeof small && v[0] == 7);
  x[2] = nan;
  CHECK_FAILS(hfy_linalg_eigen(x, 2, v, NULL, &work), HFY_ERR_NONFINITE, &work, "a[2] is nan");
  CHECK_FAILS(hfy_linalg_svd(x, 2, 2, v, NULL, NULL, &work), HFY_ERR_NONFINITE, &work, "NaN");
  CHECK(v[0] == 7);
  fill_double(x, 4, 1e308); /* what comes out is beyond double, or 1 over it */
  CHECK_FAILS(hfy_linalg_eigen(x, 2, v, NULL, &work), HFY_ERR_NONFINITE, &work, "eigenvalue of a is beyond");
  CHECK_FAILS(hfy_linalg_svd(x, 2, 2, v, NULL, NULL, &work), HFY_ERR_NONFINITE, &work, "singular value of a is beyond");
  fill_double(x, 4, 1e-310);
  CHECK_FAILS(hfy_linalg_pinv(x, 2, 2, 0, v, NULL, &work), HFY_ERR_NONFINITE, &work, "1 over the singular value");
  CHECK(v[0] == 7);
  fill_double(x, 4, 1), x[3] = 4;
  x[2] = 3, x[1] = nan; /* above the diagonal */
  CHECK(hfy_linalg_eigen(x, 2, v, NULL, NULL) == HFY_OK && v[0] > v[1]);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(closed_forms);
  RUN(eigen_random);
  RUN(svd_random);
  RUN(graded);
  RUN(pseudo_inverse);
  RUN(bad_input);
  hfy_work_free(&work);
  return CHECK_END();
}
