/* test_eigen.c: eigenvalues and eigenvectors of matrices without symmetry against golden rows, spectra known in closed
   form, and what any spectrum must satisfy: trace, determinant (by LU), conjugate pairs, residuals. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "targets_rate.h"

#define MOST 130
static double a[MOST * MOST], b[MOST * MOST], re[MOST], im[MOST], re2[MOST], im2[MOST], vr[MOST * MOST],
    vi[MOST * MOST], residual[MOST];

static double want(const char *name) {
  size_t i;
  for (i = 0; i < sizeof rate_targets / sizeof rate_targets[0]; i++)
    if (!strcmp(rate_targets[i].name, name)) return rate_targets[i].value;
  CHECK(name == NULL); /* there is no such golden row */
  return HUGE_VAL;
}

static double normal(hfy_rng *rng) {
  const double u = hfy_rng_uniform(rng), v = hfy_rng_uniform(rng);
  return sqrt(-2 * log(1 - u)) * cos(8 * atan(1) * v);
}

static double size_of(const double *x, size_t n) {
  double s = 0;
  size_t i;
  for (i = 0; i < n * n; i++) s += x[i] * x[i];
  return sqrt(s);
}

/* log|det| by elimination with pivots; -infinity if singular */
static double log_det(const double *x, size_t n) {
  static double lu[MOST * MOST];
  double sum = 0;
  size_t i, j, k;
  memcpy(lu, x, n * n * sizeof *x);
  for (k = 0; k < n; k++) {
    size_t p = k;
    for (i = k; i < n; i++)
      if (fabs(lu[i * n + k]) > fabs(lu[p * n + k])) p = i;
    if (lu[p * n + k] == 0) return -HUGE_VAL;
    for (j = 0; j < n; j++) {
      const double s = lu[k * n + j];
      lu[k * n + j] = lu[p * n + j];
      lu[p * n + j] = s;
    }
    sum += log(fabs(lu[k * n + k]));
    for (i = k + 1; i < n; i++) {
      const double f = lu[i * n + k] / lu[k * n + k];
      for (j = k; j < n; j++) lu[i * n + j] -= f * lu[k * n + j];
    }
  }
  return sum;
}

/* What holds for every spectrum; det: the determinant is well conditioned enough to ask for. */
static void spectrum(const double *x, size_t n, int det) {
  double trace = 0, sum = 0, log_product = 0, square = 0, pairs = 0, worst = 0;
  const double size = size_of(x, n);
  size_t i, j;
  CHECK(hfy_eigenvalues(x, n, re, im, NULL) == HFY_OK);
  for (i = 0; i < n; i++) {
    trace += x[i * n + i];
    sum += re[i];
    log_product += log(hypot(re[i], im[i]));
    pairs += re[i] * re[i] - im[i] * im[i];
    for (j = 0; j < n; j++) square += x[i * n + j] * x[j * n + i];
    if (i) CHECK(re[i] <= re[i - 1]); /* in order */
    if (im[i] > 0) CHECK(i + 1 < n && re[i + 1] == re[i] && im[i + 1] == -im[i]);
    if (im[i] < 0) CHECK(i && im[i - 1] == -im[i]);
  }
  CHECK(fabs(trace - sum) <= 1e-13 * (double)n * size);
  CHECK(fabs(square - pairs) <= 1e-12 * (double)n * size * size); /* tr A^2 */
  if (det) CHECK(fabs(log_det(x, n) - log_product) <= 1e-8);
  CHECK(hfy_eigenvectors(x, n, re, im, n, vr, vi, residual, NULL) == HFY_OK);
  for (i = 0; i < n; i++) {
    double length = 0;
    for (j = 0; j < n; j++) length += vr[i * n + j] * vr[i * n + j] + vi[i * n + j] * vi[i * n + j];
    CHECK_NEAR(length, 1, 1e-12);
    worst = fmax(worst, residual[i]);
  }
  CHECK(worst < 1e-13);
  if (!(worst < 1e-13)) printf("      (n %d, residual %g)\n", (int)n, worst);
}

/* the largest distance from a wanted eigenvalue to the nearest found */
static double missed(const double *x, const double *y, size_t n) {
  double worst = 0;
  size_t i, j;
  for (i = 0; i < n; i++) {
    double near = HUGE_VAL;
    for (j = 0; j < n; j++) near = fmin(near, hypot(re[j] - x[i], im[j] - y[i]));
    worst = fmax(worst, near);
  }
  return worst;
}

TEST(golden_matrices) {
  hfy_rng rng = hfy_rng_seed(41);
  double radius = 0, squares = 0, reals = 0, index;
  size_t i, j;
  for (i = 0; i < 400; i++) a[i] = normal(&rng);
  CHECK(hfy_eigenvalues(a, 20, re, im, NULL) == HFY_OK);
  for (i = 0; i < 20; i++) {
    radius = fmax(radius, hypot(re[i], im[i]));
    squares += re[i] * re[i] + im[i] * im[i];
    reals += im[i] == 0;
  }
  CHECK(fabs(re[0] / want("I1.max Re (20x20 normal, seed 41, row-major)") - 1) < 1e-9);
  CHECK(fabs(radius / want("I1.spectral radius") - 1) < 1e-9);
  CHECK(fabs(squares / want("I1.sum |lambda|^2") - 1) < 1e-9);
  CHECK_EQ(reals, want("I1.number of real eigenvalues"));
  CHECK(hfy_rate_henrici(a, 20, &index, NULL) == HFY_OK);
  CHECK(fabs(index / want("I1.henrici") - 1) < 1e-9);
  for (i = 0; i < 20; i++)
    for (j = 0; j < 20; j++) b[i * 20 + j] = a[i * 20 + j] * pow(10, 12.0 / 19 * ((double)i - (double)j));
  CHECK(hfy_eigenvalues(b, 20, re, im, NULL) == HFY_OK);
  CHECK(fabs(re[0] / want("I2.max Re of diag(s) A diag(1/s) (needs balancing)") - 1) < 1e-9);
  memset(a, 0, sizeof a);
  for (i = 0; i < 40; i++)
    for (j = 0; j < 40; j++) a[i * 40 + j] = j >= i && j <= i + 3 ? 1 : j + 1 == i ? -1 : 0;
  CHECK(hfy_eigenvalues(a, 40, re, im, NULL) == HFY_OK);
  CHECK(fabs(re[0] / want("I3.max Re Grcar(40)") - 1) < 1e-9);
  memset(a, 0, sizeof a);
  for (i = 0; i < 64; i++) a[(i + 1) % 64 * 64 + i] = 1;
  CHECK(hfy_eigenvalues(a, 64, re, im, NULL) == HFY_OK);
  CHECK(fabs(re[0] / want("I4.max Re cyclic shift 64 (exceptional shifts)") - 1) < 1e-9);
}

TEST(random_matrices) {
  hfy_rng rng = hfy_rng_seed(7);
  size_t n, i;
  for (n = 1; n <= MOST; n += n < 40 ? 1 : 17) {
    for (i = 0; i < n * n; i++) a[i] = normal(&rng);
    spectrum(a, n, 1);
  }
}

/* a spectrum made to measure: blocks on the diagonal, then a random orthogonal turn */
TEST(spectra_known_beforehand) {
  static const size_t sizes[] = {2, 3, 6, 25, 33, 60, 97};
  size_t c;
  for (c = 0; c < 7; c++) {
    const size_t n = sizes[c];
    hfy_rng rng = hfy_rng_seed(50 + c);
    size_t i, j, k;
    memset(a, 0, sizeof a);
    for (i = 0; i < n; i++) {
      re2[i] = normal(&rng);
      im2[i] = 0;
      if (i % 3 == 1) {
        re2[i] = re2[i - 1];
        im2[i - 1] = fabs(normal(&rng));
        im2[i] = -im2[i - 1];
      }
    }
    for (i = 0; i < n; i++) {
      a[i * n + i] = re2[i];
      if (im2[i] > 0) {
        a[i * n + i + 1] = im2[i];
        a[(i + 1) * n + i] = -im2[i];
      }
    }
    for (k = 0; k < 4; k++) { /* reflections from both sides: orthogonal */
      double v[MOST], s = 0;
      for (i = 0; i < n; i++) {
        v[i] = normal(&rng);
        s += v[i] * v[i];
      }
      for (j = 0; j < n; j++) {
        double t = 0;
        for (i = 0; i < n; i++) t += v[i] * a[i * n + j];
        for (i = 0; i < n; i++) a[i * n + j] -= 2 * t / s * v[i];
      }
      for (i = 0; i < n; i++) {
        double t = 0;
        for (j = 0; j < n; j++) t += v[j] * a[i * n + j];
        for (j = 0; j < n; j++) a[i * n + j] -= 2 * t / s * v[j];
      }
    }
    spectrum(a, n, 0);
    CHECK(missed(re2, im2, n) < 1e-12);
  }
}

/* isolated eigenvalues come out exactly, in any order of rows; so do the zeros of nilpotent matrices */
TEST(triangular_and_nilpotent) {
  static const size_t sizes[] = {1, 2, 5, 30, 64};
  hfy_rng rng = hfy_rng_seed(9);
  size_t c, i, j;
  for (c = 0; c < 5; c++) {
    const size_t n = sizes[c];
    size_t order[MOST];
    for (i = 0; i < n; i++) order[i] = i;
    for (i = 0; i + 1 < n; i++) {
      const size_t at = i + (size_t)(hfy_rng_u64(&rng) % (uint64_t)(n - i)), s = order[i];
      order[i] = order[at];
      order[at] = s;
    }
    for (i = 0; i < n; i++)
      for (j = 0; j < n; j++) a[order[i] * n + order[j]] = j > i ? normal(&rng) : j == i ? (double)i : 0;
    CHECK(hfy_eigenvalues(a, n, re, im, NULL) == HFY_OK);
    for (i = 0; i < n; i++) CHECK(re[i] == (double)(n - 1 - i) && im[i] == 0);
    for (i = 0; i < n; i++) a[order[i] * n + order[i]] = 0;
    CHECK(hfy_eigenvalues(a, n, re, im, NULL) == HFY_OK);
    for (i = 0; i < n; i++) CHECK(re[i] == 0 && im[i] == 0);
    memset(a, 0, sizeof a);
    CHECK(hfy_eigenvalues(a, n, re, im, NULL) == HFY_OK);
    for (i = 0; i < n; i++) CHECK(re[i] == 0 && im[i] == 0);
  }
  /* nilpotent, but nothing is isolated: eigenvalues within eps^(1/n) of 0 */
  {
    static const double square_zero[9] = {2, -1, -1, 2, -1, -1, 2, -1, -1};
    CHECK(hfy_eigenvalues(square_zero, 3, re, im, NULL) == HFY_OK);
    for (i = 0; i < 3; i++) CHECK(hypot(re[i], im[i]) < 1e-5);
  }
}

/* Jordan blocks, turned: a cluster of radius eps^(1/k) around the eigenvalue, its mean far better */
TEST(defective) {
  size_t k, n = 6, i, j, m;
  for (k = 2; k <= 4; k++) {
    double mean = 0, turn[36], inverse[36];
    for (i = 0; i < n; i++)
      for (j = 0; j < n; j++) {
        turn[i * n + j] = j <= i ? (i == j ? 1 : 0.3 * (double)((i * 5 + j * 3) % 4)) : 0;
        inverse[i * n + j] = i == j;
      }
    for (j = 0; j < n; j++) /* of a unit lower triangle */
      for (i = j + 1; i < n; i++)
        for (m = j; m < i; m++) inverse[i * n + j] -= turn[i * n + m] * inverse[m * n + j];
    memset(b, 0, sizeof b);
    for (i = 0; i < n; i++) {
      b[i * n + i] = i < k ? 2 : 5 + (double)i;
      if (i + 1 < k) b[i * n + i + 1] = 1;
    }
    for (i = 0; i < n; i++)
      for (j = 0; j < n; j++) {
        vr[i * n + j] = 0;
        for (m = 0; m < n; m++) vr[i * n + j] += turn[i * n + m] * b[m * n + j];
      }
    for (i = 0; i < n; i++)
      for (j = 0; j < n; j++) {
        a[i * n + j] = 0;
        for (m = 0; m < n; m++) a[i * n + j] += vr[i * n + m] * inverse[m * n + j];
      }
    CHECK(hfy_eigenvalues(a, n, re, im, NULL) == HFY_OK);
    for (i = n - k; i < n; i++) {
      CHECK(hypot(re[i] - 2, im[i]) < 20 * pow(1e-14, 1.0 / (double)k));
      mean += re[i] / (double)k;
    }
    CHECK_NEAR(mean, 2, 1e-11);
    CHECK(hfy_eigenvectors(a, n, re, im, n, vr, vi, residual, NULL) == HFY_OK);
    for (i = 0; i < n; i++) CHECK(residual[i] < 1e-13);
  }
}

/* One eigenvalue, coupled over 11 decades and turned: slow to converge, and no vector but one */
TEST(jordan_blocks) {
  hfy_rng rng = hfy_rng_seed(23);
  size_t trial, i, j, k;
  for (trial = 0; trial < 24000 / FEWER; trial++) {
    const size_t n = 2 + trial % 2 * 4;
    const double own = trial % 4 < 2 ? normal(&rng) : 0;
    double worst = 0;
    memset(a, 0, n * n * sizeof *a);
    for (i = 0; i < n; i++) a[i * n + i] = own;
    for (i = 0; i + 1 < n; i++) a[i * n + i + 1] = pow(10, 11 * hfy_rng_uniform(&rng) - 8);
    for (i = 0; i < n; i++)
      for (j = 0; j < i; j++) {
        const double angle = 7 * hfy_rng_uniform(&rng), c = cos(angle), s = sin(angle);
        for (k = 0; k < 2 * n; k++) {
          double *x = k < n ? a + i * n + k : a + (k - n) * n + i, *y = k < n ? a + j * n + k : a + (k - n) * n + j;
          const double z = c * *x - s * *y;
          *y = s * *x + c * *y;
          *x = z;
        }
      }
    if (!CHECK(hfy_eigenvalues(a, n, re, im, NULL) == HFY_OK)) continue;
    CHECK(hfy_eigenvectors(a, n, re, im, n, vr, vi, residual, NULL) == HFY_OK);
    for (i = 0; i < n; i++) worst = fmax(worst, residual[i]);
    if (!CHECK(worst < 5e-13)) printf("    trial %d: %g\n", (int)trial, worst);
  }
}

/* orthogonal matrices: the unit circle; permutations: roots of unity of every cycle */
TEST(orthogonal_and_permutations) {
  size_t n, i, j;
  hfy_rng rng = hfy_rng_seed(11);
  for (n = 2; n < 70; n += 11) {
    for (i = 0; i < n * n; i++) a[i] = normal(&rng);
    for (i = 0; i < n; i++) { /* Gram, Schmidt, twice */
      size_t m;
      int pass;
      double s = 0;
      for (pass = 0; pass < 2; pass++)
        for (m = 0; m < i; m++) {
          double t = 0;
          for (j = 0; j < n; j++) t += a[i * n + j] * a[m * n + j];
          for (j = 0; j < n; j++) a[i * n + j] -= t * a[m * n + j];
        }
      for (j = 0; j < n; j++) s += a[i * n + j] * a[i * n + j];
      for (j = 0; j < n; j++) a[i * n + j] /= sqrt(s);
    }
    spectrum(a, n, 1);
    for (i = 0; i < n; i++) CHECK_NEAR(hypot(re[i], im[i]), 1, 1e-12);
  }
  for (n = 1; n <= MOST; n += n < 20 ? 1 : 23) {
    memset(a, 0, sizeof a);
    for (i = 0; i < n; i++) a[(i + 1) % n * n + i] = 1;
    for (i = 0; i < n; i++) {
      re2[i] = cos(8 * atan(1) * (double)i / (double)n);
      im2[i] = sin(8 * atan(1) * (double)i / (double)n);
    }
    CHECK(hfy_eigenvalues(a, n, re, im, NULL) == HFY_OK);
    CHECK(missed(re2, im2, n) < 1e-12);
  }
  memset(a, 0, sizeof a); /* the same pair four times, to the bit: four pairs all the same */
  for (i = 0; i < 8; i++) a[i * 8 + (i ^ 1)] = i % 2 ? 1 : -1;
  spectrum(a, 8, 1);
}

TEST(companions) {
  size_t n, i, k;
  for (n = 2; n <= 12; n += 2) { /* (x - 1)(x - 2)...: badly conditioned, so the tolerance grows */
    double c[14] = {1};
    for (k = 1; k <= n; k++)
      for (i = k; i > 0; i--) c[i] -= (double)k * c[i - 1];
    memset(a, 0, sizeof a);
    for (i = 0; i < n; i++) a[i] = -c[i + 1];
    for (i = 0; i + 1 < n; i++) a[(i + 1) * n + i] = 1;
    CHECK(hfy_eigenvalues(a, n, re, im, NULL) == HFY_OK);
    for (i = 0; i < n; i++) {
      re2[i] = (double)(i + 1);
      im2[i] = 0;
      CHECK(im[i] == 0 || n > 10);
    }
    CHECK(missed(re2, im2, n) < 1e-15 * pow(10, 0.95 * (double)n));
  }
  { /* x^8 = 1/256 */
    memset(a, 0, sizeof a);
    a[7] = 1.0 / 256;
    for (i = 0; i + 1 < 8; i++) a[(i + 1) * 8 + i] = 1;
    CHECK(hfy_eigenvalues(a, 8, re, im, NULL) == HFY_OK);
    for (i = 0; i < 8; i++) CHECK_NEAR(hypot(re[i], im[i]), 0.5, 1e-13);
  }
}

TEST(badly_scaled) {
  static const double scales[] = {1e-305, 1e-200, 1e150, 1e300};
  hfy_rng rng = hfy_rng_seed(13);
  const size_t n = 25;
  size_t i, j, c;
  for (i = 0; i < n * n; i++) a[i] = normal(&rng);
  CHECK(hfy_eigenvalues(a, n, re2, im2, NULL) == HFY_OK);
  for (c = 0; c < 4; c++) { /* as large and small as they come */
    for (i = 0; i < n * n; i++) b[i] = scales[c] * a[i];
    CHECK(hfy_eigenvalues(b, n, re, im, NULL) == HFY_OK);
    for (i = 0; i < n; i++) {
      re[i] /= scales[c];
      im[i] /= scales[c];
    }
    CHECK(missed(re2, im2, n) < 1e-12);
    for (i = 0; i < n; i++) {
      re[i] *= scales[c];
      im[i] *= scales[c];
    }
    CHECK(hfy_eigenvectors(b, n, re, im, n, vr, vi, residual, NULL) == HFY_OK);
    for (i = 0; i < n; i++) CHECK(residual[i] < 1e-13);
  }
  for (c = 1; c <= 3; c++) { /* rows and columns apart by up to 18 decades */
    for (i = 0; i < n; i++)
      for (j = 0; j < n; j++)
        b[i * n + j] = a[i * n + j] * pow(10, (double)(3 * c) * (sin((double)(7 * i)) - sin((double)(7 * j))));
    CHECK(hfy_eigenvalues(b, n, re, im, NULL) == HFY_OK);
    CHECK(missed(re2, im2, n) < 1e-11);
  }
  for (i = 0; i < n; i++) /* D W with rates over decades */
    for (j = 0; j < n; j++) b[i * n + j] = a[i * n + j] * pow(10, 8 * sin((double)(3 * i)));
  CHECK(hfy_eigenvalues(b, n, re, im, NULL) == HFY_OK);
  CHECK(hfy_eigenvectors(b, n, re, im, n, vr, vi, residual, NULL) == HFY_OK);
  for (i = 0; i < n; i++) CHECK(residual[i] < 1e-7);
  { /* graded by its diagonal: none is lost */
    memset(b, 0, sizeof b);
    for (i = 0; i < 10; i++) {
      b[i * 10 + i] = pow(10, -(double)i);
      if (i) {
        b[i * 10 + i - 1] = pow(10, -(double)i - 2);
        b[(i - 1) * 10 + i] = pow(10, -(double)i - 2);
      }
    }
    CHECK(hfy_eigenvalues(b, 10, re, im, NULL) == HFY_OK);
    for (i = 0; i < 10; i++) CHECK(fabs(re[i] * pow(10, (double)i) - 1) < 0.02);
  }
}

/* elements anywhere between 1e-300 and 1e300: what is OK is finite, of unit length, and belongs to a */
TEST(any_exponents) {
  static const double far[4] = {1e30, 1e300, -1, 0};
  hfy_rng rng = hfy_rng_seed(17);
  size_t trial, n, i, k, refused = 0;
  CHECK(hfy_eigenvalues(far, 2, re, im, NULL) == HFY_OK);
  CHECK_NEAR(re[0] / 5e29, 1, 1e-14);
  CHECK_NEAR(im[0] / 1e150, 1, 1e-14);
  CHECK(hfy_eigenvectors(far, 2, re, im, 2, vr, vi, residual, NULL) == HFY_OK);
  CHECK_NEAR(vr[0], 1, 1e-14);
  CHECK_NEAR(vi[1] / 1e-150, 1, 1e-14);
  for (trial = 0; trial < 3000; trial++) {
    hfy_status status;
    n = 1 + trial % 6;
    for (i = 0; i < n * n; i++) a[i] = normal(&rng) * pow(10, 616 * hfy_rng_uniform(&rng) - 308);
    if (trial % 3 == 1) a[trial % (n * n)] = 1.7e308; /* sums beyond double */
    for (i = 0; i < n * n && trial % 5 == 0; i++) a[i] = hfy_rng_uniform(&rng) < 0.6 ? 0 : a[i];
    for (i = 0; i < n * n && trial % 7 == 0; i++) a[i] = 1.6e308;
    status = hfy_eigenvalues(a, n, re, im, NULL);
    refused += status == HFY_ERR_NONFINITE;
    if (!CHECK(status == HFY_OK || status == HFY_ERR_NONFINITE) || status) continue;
    CHECK(hfy_eigenvectors(a, n, re, im, n, vr, vi, residual, NULL) == HFY_OK);
    for (k = 0; k < n; k++) {
      double length = 0;
      for (i = 0; i < n; i++) length += vr[k * n + i] * vr[k * n + i] + vi[k * n + i] * vi[k * n + i];
      CHECK(fabs(re[k]) <= DBL_MAX && fabs(im[k]) <= DBL_MAX && fabs(length - 1) < 1e-13 && residual[k] < 2);
    }
  }
  CHECK(refused > 100 && refused < 1000);
  re[0] = 1e10; /* no eigenvalue of a, however wrong */
  memset(a, 0, sizeof a);
  vr[0] = 7;
  CHECK(hfy_eigenvectors(a, 2, re, im, 1, vr, vi, NULL, NULL) == HFY_ERR_ARG && vr[0] == 7);
}

TEST(small_matrices_by_hand) {
  static const double twice[4] = {1, 1, 0, 1}, rotation[4] = {0, -1, 1, 0}, real2[4] = {4, 1, 2, 3};
  static const double near[4] = {1, 1e-9, 1e-9, 1};
  CHECK(hfy_eigenvalues(twice, 2, re, im, NULL) == HFY_OK);
  CHECK(re[0] == 1 && re[1] == 1 && im[0] == 0 && im[1] == 0);
  CHECK(hfy_eigenvalues(rotation, 2, re, im, NULL) == HFY_OK);
  CHECK(re[0] == 0 && re[1] == 0 && im[0] == 1 && im[1] == -1);
  CHECK(hfy_eigenvalues(real2, 2, re, im, NULL) == HFY_OK);
  CHECK_NEAR(re[0], 5, 1e-15);
  CHECK_NEAR(re[1], 2, 1e-15);
  CHECK(hfy_eigenvalues(near, 2, re, im, NULL) == HFY_OK);
  CHECK_NEAR((re[0] - re[1]) * 1e9, 2, 1e-6);
  a[0] = -3.5;
  CHECK(hfy_eigenvalues(a, 1, re, im, NULL) == HFY_OK);
  CHECK(re[0] == -3.5 && im[0] == 0);
  CHECK(hfy_eigenvectors(a, 1, re, im, 1, vr, vi, residual, NULL) == HFY_OK);
  CHECK(vr[0] == 1 && vi[0] == 0 && residual[0] == 0);
  CHECK(hfy_eigenvectors(rotation, 2, re2, im2, 0, NULL, NULL, NULL, NULL) == HFY_OK);
}

/* every instruction set of this machine: the same spectrum; the same call: the same bits */
TEST(instruction_sets_agree) {
  hfy_rng rng = hfy_rng_seed(17);
  const size_t n = 101;
  size_t i;
  int isa;
  for (i = 0; i < n * n; i++) a[i] = normal(&rng);
  CHECK(hfy_eigenvalues(a, n, re2, im2, NULL) == HFY_OK);
  CHECK(hfy_eigenvalues(a, n, re, im, NULL) == HFY_OK);
  CHECK(!memcmp(re, re2, n * sizeof *re) && !memcmp(im, im2, n * sizeof *im));
  for (isa = 1; isa <= 5; isa++) {
    hfy_work work;
    hfy_status status;
    memset(&work, 0, sizeof work);
    work.isa = (hfy_isa)isa;
    status = hfy_eigenvalues(a, n, re, im, &work);
    CHECK(status == HFY_OK || status == HFY_ERR_UNSUPPORTED);
    if (!status) CHECK(missed(re2, im2, n) < 1e-11);
    hfy_work_free(&work);
  }
}

TEST(bad_arguments) {
  double x[4] = {1, 2, 3, 4}, bad[4] = {1, 2, 3, 4}, one[1] = {0};
  hfy_work work;
  memset(&work, 0, sizeof work);
  re[0] = 7;
  CHECK_FAILS(hfy_eigenvalues(NULL, 2, re, im, &work), HFY_ERR_ARG, &work, "a is NULL");
  CHECK_FAILS(hfy_eigenvalues(x, 0, re, im, &work), HFY_ERR_ARG, &work, "n is 0");
  CHECK_FAILS(hfy_eigenvalues(x, SIZE_MAX / 2, re, im, &work), HFY_ERR_ARG, &work, "cannot exist");
  CHECK_FAILS(hfy_eigenvalues(x, 2, NULL, im, &work), HFY_ERR_ARG, &work, "re is NULL");
  CHECK_FAILS(hfy_eigenvalues(x, 2, re, NULL, &work), HFY_ERR_ARG, &work, "im is NULL");
  bad[2] = HUGE_VAL;
  CHECK_FAILS(hfy_eigenvalues(bad, 2, re, im, &work), HFY_ERR_NONFINITE, &work, "a[2] is inf");
  bad[2] = HUGE_VAL - HUGE_VAL;
  CHECK_FAILS(hfy_eigenvalues(bad, 2, re, im, &work), HFY_ERR_NONFINITE, &work, "a[2] is");
  CHECK_FAILS(hfy_eigenvectors(bad, 2, one, one, 1, vr, vi, NULL, &work), HFY_ERR_NONFINITE, &work, "a[2] is");
  CHECK_FAILS(hfy_eigenvectors(x, 2, one, one, 1, NULL, vi, NULL, &work), HFY_ERR_ARG, &work, "vectors_re is NULL");
  CHECK_FAILS(hfy_eigenvectors(x, 2, one, one, SIZE_MAX / 8, vr, vi, NULL, &work), HFY_ERR_ARG, &work, "vectors of that size");
  one[0] = HUGE_VAL;
  CHECK_FAILS(hfy_eigenvectors(x, 2, one, one, 1, vr, vi, NULL, &work), HFY_ERR_NONFINITE, &work, "eigenvalue 0");
  CHECK_EQ(re[0], 7);
  hfy_work_free(&work);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(golden_matrices);
  RUN(random_matrices);
  RUN(spectra_known_beforehand);
  RUN(triangular_and_nilpotent);
  RUN(defective);
  RUN(jordan_blocks);
  RUN(orthogonal_and_permutations);
  RUN(companions);
  RUN(badly_scaled);
  RUN(any_exponents);
  RUN(small_matrices_by_hand);
  RUN(instruction_sets_agree);
  RUN(bad_arguments);
  return CHECK_END();
}
