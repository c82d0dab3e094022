/* test_gemm.c: matrix products of every instruction set, float and double: against long double and, bit for bit, against
   their definition; all transposes and strides, sizes around every tile and block, beta = 0 over NaN, parts of a product,
   the projection of a retrieval, at the end of a page; what is built on them: downdates, pseudo-inverses. */
#define HFY_ONLY_LINALG
#include "tables.h"

/* One shape: which way each matrix lies (0 rows together, 1 columns together, A and B also 2: neither) and the gaps
   between lines. */
typedef struct shape {
  size_t m, n, k;
  int lie_a, lie_b, lie_c;
  size_t gap;
} shape;

static void strides(int lie, size_t rows, size_t columns, size_t gap, size_t *row, size_t *col) {
  *col = lie == 0 ? 1 : lie == 1 ? rows + gap : 2;
  *row = lie == 0 ? columns + gap : lie == 1 ? 1 : 2 * columns + gap;
}

static size_t extent(size_t rows, size_t columns, size_t row, size_t col) {
  return rows && columns ? (rows - 1) * row + (columns - 1) * col + 1 : 0;
}

enum { most = 1 << 20 };

static hfy_linalg_view_ view(const void *at, size_t row, size_t col) {
  hfy_linalg_view_ v = hfy_linalg_rows_(at, row);
  v.col = col;
  return v;
}

static hfy_linalg_into_ into(double alpha, double beta, void *c, size_t stride) {
  hfy_linalg_into_ to = beta > 0 ? hfy_linalg_add_(c, stride) : hfy_linalg_set_(c, stride);
  CHECK(hfy_linalg_less_(c, stride).minus && !hfy_linalg_less_(c, stride).over);
  to.minus = alpha < 0;
  return to;
}

/* C = alpha A B + beta C; if the columns of C are together: C^T = B^T A^T. */
#define GEMM(name, real, multiply)                                                                                     \
  static void name(const hfy_simd_ *simd, size_t m, size_t n, size_t k, real alpha, const real *a, size_t ar,          \
                   size_t ac, const real *b, size_t br, size_t bc, real beta, real *c, size_t cr, size_t cc,           \
                   real *scratch)                                                                                      \
  {                                                                                                                    \
    const hfy_linalg_view_ left = view(a, ar, ac), right = view(b, br, bc);                                            \
    if (cc != 1)                                                                                                       \
      multiply(simd, n, m, k, hfy_linalg_flip_(right), hfy_linalg_flip_(left),                                         \
                   into((double)alpha, (double)beta, c, cc), scratch);                                                 \
    else                                                                                                               \
      multiply(simd, m, n, k, left, right, into((double)alpha, (double)beta, c, cr), scratch);                         \
  }
GEMM(sgemm, float, hfy_linalg_multiply_float_)
GEMM(dgemm, double, hfy_linalg_multiply_)

static void dgemv(const hfy_simd_ *simd, size_t m, size_t k, double alpha, const double *a, size_t ar, size_t ac,
                  const double *x, double beta, double *y) {
  hfy_linalg_apply_(simd, m, k, view(a, ar, ac), x, into(alpha, beta, y, 1));
}

/* The test of one product, once for each precision. */
#define PRODUCT(test, real, gemm, epsilon)                                                                             \
  static real *test##_a, *test##_b, *test##_c, *test##_scratch;                                                        \
  static void test(const hfy_simd_ *simd, shape s, real alpha, real beta)                                              \
  {                                                                                                                    \
    size_t ar, ac, br, bc, cr, cc, i, j, p, na, nb, nc, ns = hfy_linalg_gemm_scratch_(s.m, s.n, s.k, sizeof(real));     \
    real *a, *b, *c, *scratch;                                                                                         \
    int good = 1, kept = 1;                                                                                            \
    if (!test##_a) {                                                                                                   \
      test##_a = (real *)at_the_edge(most * sizeof(real)), test##_b = (real *)at_the_edge(most * sizeof(real));        \
      test##_c = (real *)at_the_edge(most * sizeof(real)), test##_scratch = (real *)at_the_edge(most * sizeof(real));       \
    }                                                                                                                  \
    strides(s.lie_a, s.m, s.k, s.gap, &ar, &ac);                                                                       \
    strides(s.lie_b, s.k, s.n, s.gap, &br, &bc);                                                                       \
    strides(s.lie_c, s.m, s.n, s.gap, &cr, &cc);                                                                       \
    na = extent(s.m, s.k, ar, ac), nb = extent(s.k, s.n, br, bc), nc = extent(s.m, s.n, cr, cc);                       \
    if (na > most || nb > most || nc > most || ns > most) {                                                            \
      CHECK(na && nb && 0); /* arrays too small */                                                                               \
      return;                                                                                                          \
    }                                                                                                                  \
    a = test##_a + (most - na), b = test##_b + (most - nb), c = test##_c + (most - nc);                                \
    scratch = test##_scratch + (most - ns);                                                                            \
    for (i = 0; i < na; i++) a[i] = (real)strtod("nan", NULL);                                                         \
    for (i = 0; i < nb; i++) b[i] = (real)strtod("nan", NULL);                                                         \
    for (i = 0; i < ns; i++) scratch[i] = (real)strtod("nan", NULL);                                                   \
    for (i = 0; i < nc; i++) c[i] = 7;                                                                                 \
    for (i = 0; i < s.m; i++)                                                                                          \
      for (p = 0; p < s.k; p++) a[i * ar + p * ac] = (real)bell(&dice);                                                \
    for (p = 0; p < s.k; p++)                                                                                          \
      for (j = 0; j < s.n; j++) b[p * br + j * bc] = (real)bell(&dice);                                                \
    for (i = 0; i < s.m; i++)                                                                                          \
      for (j = 0; j < s.n; j++)                                                                                        \
        c[i * cr + j * cc] = beta == 0 ? (real)strtod("nan", NULL) : (real)((double)i - 0.5 * (double)j);              \
    gemm(simd, s.m, s.n, s.k, alpha, a, ar, ac, b, br, bc, beta, c, cr, cc, scratch);                                  \
    for (i = 0; i < s.m; i += 1 + s.m / 40)                                                                            \
      for (j = 0; j < s.n; j += 1 + s.n / 40) {                                                                        \
        long double want = 0, size = 0, before = (long double)i - 0.5L * (long double)j;                               \
        for (p = 0; p < s.k; p++) {                                                                                    \
          long double v = (long double)a[i * ar + p * ac] * (long double)b[p * br + j * bc];                           \
          want += v, size += fabsl(v);                                                                                 \
        }                                                                                                              \
        want = (long double)alpha * want + (beta == 0 ? 0 : (long double)beta * before);                               \
        size *= fabsl((long double)alpha); /* one call a sum: tcc loses the first of two */                            \
        size += fabsl((long double)beta * before);                                                                     \
        size *= (4 + 2 * sqrtl((long double)s.k)) * (long double)(epsilon);                                            \
        good &= fabsl((long double)c[i * cr + j * cc] - want) <= size;                                                 \
        c[i * cr + j * cc] = 7;                                                                                        \
      }                                                                                                                \
    for (i = 0; i < s.m; i++)                                                                                          \
      for (j = 0; j < s.n; j++) c[i * cr + j * cc] = 7;                                                                \
    for (i = 0; i < nc; i++) kept &= c[i] == 7;                                                                        \
    if (!CHECK(good) || !CHECK(kept))                                                                                  \
      printf("      %s %s m %zu n %zu k %zu lie %d %d %d gap %zu\n", #test, hfy_simd_text(simd->isa), s.m, s.n, s.k, s.lie_a,        \
                 s.lie_b, s.lie_c, s.gap);                                                                             \
  }
PRODUCT(single, float, sgemm, 1.1920928955078125e-07)
PRODUCT(twice, double, dgemm, 2.220446049250313e-16)

static void both(size_t m, size_t n, size_t k, int a, int b, int c, size_t gap, double alpha, double beta) {
  const hfy_simd_ *simd;
  size_t t;
  shape s;
  s.m = m;
  s.n = n;
  s.k = k;
  s.lie_a = a;
  s.lie_b = b;
  s.lie_c = c;
  s.gap = gap;
  EACH_TABLE(simd, t)
  {
    single(simd, s, (float)alpha, (float)beta);
    twice(simd, s, alpha, beta);
  }
}

/* Every size up to 36 of one side while the others vary, no gaps: tiles and their edges. */
TEST(edges) {
  size_t i;
  for (i = 1; i <= 50; i += FEWER > 1 ? 3 : 1) {
    both(i, 33, 17, 0, 0, 0, 0, 1, 0);
    both(13, i, 9, 0, 0, 0, 0, 1, 1);
    both(15, 35, i, 0, 0, 0, 0, 1, 0);
    both(i, 70, 21, 1, 0, 0, 1, 1, 0);
    both(14, i, 12, 0, 1, 0, 2, 1, 0);
    both(i, i, i, 1, 1, 0, 0, -1, 1);
  }
}

/* Each way the three matrices can lie. */
TEST(layouts) {
  static const double betas[] = {0, 1, 1};
  int a, b, c, t;
  for (a = 0; a < 3; a++)
    for (b = 0; b < 3; b++)
      for (c = 0; c < 2; c++)
        for (t = (int)FEWER > 1 ? (a + b) % 3 : 0; t < 3; t += FEWER > 1 ? 3 : 1) {
          both(29, 37, 23, a, b, c, (size_t)t, 1, betas[t]);
          both(130, 75, 40, a, b, c, 3, -1, betas[t]);
          both(2, 3, 5, a, b, c, 0, -1, betas[t]);
        }
}

/* Beyond the blocks of k and of columns. */
TEST(blocks) {
  both(30, 41, 1000, 0, 0, 0, 0, 1, 0);
  both(30, 41, 385, 1, 1, 0, 1, 1, 1);
  both(17, 1000, 193, 0, 0, 0, 0, 1, 1);
  both(17, 1000, 40, 0, 1, 1, 0, 1, 0);
  both(1000, 17, 200, 0, 0, 1, 0, 1, 0);
  if (FEWER > 1) return;
  both(200, 500, 400, 0, 0, 0, 0, -1, 0);
  both(64, 64, 64, 0, 0, 0, 0, 1, 0);
  both(256, 256, 256, 0, 1, 0, 0, 1, 0);
}

/* Rows of C that begin with a given row, as a bias does: whole numbers, so that sums are exact. */
TEST(begins_with_a_row) {
  const hfy_simd_ *simd;
  size_t t, i, j, p, n;
  static float c[64 * 80], a[64 * 7], b[7 * 80], row[80], scratch[7 * 200];
  for (i = 0; i < COUNT(a); i++) a[i] = (float)((int)(i * 5 % 7) - 3);
  for (i = 0; i < COUNT(b); i++) b[i] = (float)((int)(i * 3 % 11) - 5);
  for (i = 0; i < COUNT(row); i++) row[i] = (float)i + 100;
  EACH_TABLE(simd, t)
  for (n = 5; n <= 80; n += 75) { /* 3 rows of A go straight to the kernel, 64 in panels */
    const size_t rows[] = {3, 64}, m = rows[n > 5];
    hfy_linalg_into_ to = hfy_linalg_add_(c, n);
    int ok = 1;
    to.start = row;
    for (i = 0; i < COUNT(c); i++) c[i] = (float)strtod("nan", NULL);
    hfy_linalg_multiply_float_(simd, m, n, 7, hfy_linalg_rows_(a, 7), hfy_linalg_rows_(b, n), to, scratch);
    for (i = 0; i < m; i++)
      for (j = 0; j < n; j++) {
        float want = row[j];
        for (p = 0; p < 7; p++) want += a[i * 7 + p] * b[p * n + j];
        ok &= c[i * n + j] >= want && c[i * n + j] <= want;
      }
    CHECK(ok);
  }
}

/* No columns of A: C is 0 or stays, NaN is overwritten; no rows or columns of C: nothing happens. */
TEST(nothing_to_add) {
  const hfy_simd_ *simd;
  size_t t, i;
  float c[15], a[6], b[10];
  double y[3], v[3];
  EACH_TABLE(simd, t)
  {
    int ok = 1;
    for (i = 0; i < 15; i++) c[i] = (float)strtod("nan", NULL);
    sgemm(simd, 3, 5, 0, 1, a, 2, 1, b, 5, 1, 0, c, 5, 1, NULL);
    for (i = 0; i < 15; i++) {
      ok &= c[i] == 0;
      c[i] = (float)i;
    }
    sgemm(simd, 3, 5, 0, 1, a, 2, 1, b, 5, 1, 1, c, 5, 1, NULL);
    for (i = 0; i < 15; i++) {
      ok &= c[i] == (float)i;
      c[i] = (float)strtod("nan", NULL);
    }
    sgemm(simd, 3, 5, 0, -1, a, 2, 1, b, 5, 1, 0, c, 1, 3, NULL);
    for (i = 0; i < 15; i++) {
      ok &= c[i] == 0;
      c[i] = (float)i;
    }
    sgemm(simd, 0, 5, 2, 1, a, 2, 1, b, 5, 1, 0, c, 5, 1, NULL);
    sgemm(simd, 3, 0, 2, 1, a, 2, 1, b, 5, 1, 0, c, 5, 1, NULL);
    for (i = 0; i < 15; i++) ok &= c[i] == (float)i;
    for (i = 0; i < 3; i++) y[i] = v[i] = strtod("nan", NULL);
    dgemv(simd, 3, 0, 1, y, 1, 1, y, 0, y);
    dgemv(simd, 3, 0, 1, v, 1, 3, v, 0, v);
    for (i = 0; i < 3; i++) ok &= y[i] == 0 && v[i] == 0;
    CHECK(ok);
  }
}

/* NaN and infinity come out where they belong and nowhere else. */
TEST(nonfinite) {
  enum { m = 19, n = 45, k = 30 };
  const hfy_simd_ *simd;
  static float a[m * k], b[k * n], c[m * n], scratch[400000];
  size_t t, i, j;
  CHECK(hfy_linalg_gemm_scratch_(m, n, k, sizeof *a) <= 400000);
  for (i = 0; i < m * k; i++) a[i] = (float)bell(&dice);
  for (i = 0; i < k * n; i++) b[i] = (float)bell(&dice);
  a[7 * k + 29] = (float)strtod("nan", NULL);
  b[3 * n + 44] = (float)strtod("inf", NULL);
  EACH_TABLE(simd, t)
  {
    int ok = 1;
    sgemm(simd, m, n, k, 1, a, k, 1, b, n, 1, 0, c, n, 1, scratch);
    for (i = 0; i < m; i++)
      for (j = 0; j < n; j++) ok &= hfy_base_is_finite_((double)c[i * n + j]) == (i != 7 && j != 44);
    CHECK(ok);
  }
}

/* Any part of a product has the bits of the whole, whichever way it is read. */
CHECK_UNUSED TEST(parts) {
  enum { m = 170, n = 200, k = 500 };
  const hfy_simd_ *simd;
  static float a[m * k], at[k * m], b[k * n], c[m * n], part[m * n];
  static double da[m * k], db[k * n], dc[m * n], dpart[m * n];
  size_t t, i, j, ns = hfy_linalg_gemm_scratch_(m, n, k, sizeof *a);
  float *scratch = (float *)malloc(ns * sizeof *a);
  double *dscratch = (double *)malloc(hfy_linalg_gemm_scratch_(m, n, k, sizeof *da) * sizeof *da);
  for (i = 0; i < m; i++)
    for (j = 0; j < k; j++) at[j * m + i] = a[i * k + j] = (float)bell(&dice), da[i * k + j] = (double)a[i * k + j];
  for (i = 0; i < k * n; i++) {
    b[i] = (float)bell(&dice);
    db[i] = (double)b[i];
  }
  EACH_TABLE(simd, t)
  {
    static const size_t cut[] = {0, 2, 7, 50, 97, 170};
    size_t p, q;
    sgemm(simd, m, n, k, 1, a, k, 1, b, n, 1, 0, c, n, 1, scratch);
    dgemm(simd, m, n, k, 1, da, k, 1, db, n, 1, 0, dc, n, 1, dscratch);
    for (i = 0; i < m * n; i++) {
      part[i] = 0;
      dpart[i] = 0;
    }
    for (p = 0; p + 1 < sizeof cut / sizeof cut[0]; p++) /* blocks of rows */
      for (q = 0; q < n; q += 67) {                    /* and of columns */
        size_t rows = cut[p + 1] - cut[p], columns = hfy_base_min_(67, n - q);
        sgemm(simd, rows, columns, k, 1, at + cut[p], 1, m, b + q, n, 1, 0, part + cut[p] * n + q, n, 1, scratch);
        dgemm(simd, rows, columns, k, 1, da + cut[p] * k, k, 1, db + q, n, 1, 0, dpart + cut[p] * n + q,
                          n, 1, dscratch);
      }
    CHECK(!memcmp(part, c, sizeof c));
    CHECK(!memcmp(dpart, dc, sizeof dc));
  }
  free(scratch), free(dscratch);
}

/* Does this instruction set fuse a multiply-add? */
static int fuses(const hfy_simd_ *simd) {
#if defined(__FP_FAST_FMA)
  if (simd->isa == HFY_ISA_SCALAR) return 1;
#else /* within an expression, as the compiler likes */
  volatile double x = 1 + DBL_EPSILON, y = -1 - 2 * DBL_EPSILON;
  const double a = x, c = y;
  if (simd->isa == HFY_ISA_SCALAR) return a * a + c > 0;
#endif
  return simd->isa > HFY_ISA_SSE2;
}

/* c + a b, rounded as it says. */
static double add_double(int fused, double c, double a, double b) {
  volatile double product = a * b;
  return fused ? fma(a, b, c) : c + product;
}

static float add_float(int fused, float c, float a, float b) {
  volatile float product = a * b;
  volatile float sum = c + product;
  return fused ? fmaf(a, b, c) : sum;
}

/* Every element, to the bit: beta c, then alpha a b one after the other; and what a retrieval's projection gives (in
   plain C that one is fused or not as the compiler likes). */
CHECK_UNUSED TEST(definition) {
  enum { most_m = 61, most_n = 75, most_k = 300 };
  static const size_t sizes[][3] = {{1, 1, 1}, {3, 5, 300}, {4, 12, 7}, {8, 24, 129}, {61, 75, 300}, {50, 48, 260}, {5, 1, 9}};
  static float a[most_m * most_k], b[most_k * most_n], c[most_m * most_n], before[most_m * most_n];
  static double da[most_m * most_k], db[most_k * most_n], dc[most_m * most_n];
  static hfy_real w[most_m * most_k], x[most_k * most_n], z[most_m * most_n];
  static double scratch[400000];
  const hfy_simd_ *simd;
  size_t t, i, j, p, s;
  int sign, beta;
  for (s = 0; s < sizeof sizes / sizeof sizes[0]; s += FEWER > 1 ? 3 : 1)
    for (sign = -1; sign <= 1; sign += 2)
      for (beta = 0; beta < 2; beta++) {
        const size_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
        for (i = 0; i < m * k; i++) {
          a[i] = (float)bell(&dice);
          da[i] = (double)a[i] * (1 + 1e-9);
          w[i] = (hfy_real)a[i];
        }
        for (i = 0; i < k * n; i++) {
          b[i] = (float)bell(&dice);
          db[i] = (double)b[i] * (1 - 1e-9);
          x[i] = (hfy_real)b[i];
        }
        for (i = 0; i < m * n; i++) before[i] = (float)bell(&dice);
        EACH_TABLE(simd, t)
        {
          const int fused = fuses(simd);
          int ok = 1;
          for (i = 0; i < m * n; i++) {
            c[i] = before[i];
            dc[i] = (double)before[i];
            z[i] = (hfy_real)before[i];
          }
          sgemm(simd, m, n, k, (float)sign, a, k, 1, b, n, 1, (float)beta, c, n, 1, (float *)(void *)scratch);
          dgemm(simd, m, n, k, sign, da, k, 1, db, n, 1, beta, dc, n, 1, scratch);
          for (i = 0; i < m; i++)
            for (j = 0; j < n; j++) {
              float f = beta ? before[i * n + j] : 0;
              double d = beta ? (double)before[i * n + j] : 0;
              for (p = 0; p < k; p++) {
                f = add_float(fused, f, (float)sign * a[i * k + p], b[p * n + j]);
                d = add_double(fused, d, sign * da[i * k + p], db[p * n + j]);
              }
              ok &= c[i * n + j] == f && dc[i * n + j] == d;
            }
          if (!CHECK(ok)) printf("      %s m %zu n %zu k %zu sign %d beta %d\n", hfy_simd_text(simd->isa), m, n, k, sign, beta);
#ifdef HFY_DOUBLE
          for (i = 0; i < m * n; i++) dc[i] = (double)before[i];
          for (i = 0; i < m * k; i++) da[i] = (double)a[i];
          for (i = 0; i < k * n; i++) db[i] = (double)b[i];
          dgemm(simd, m, n, k, 1, da, k, 1, db, n, 1, 1, dc, n, 1, scratch);
          simd->combine(w, k, m, x, n, k, n, z, n);
          if (simd->isa != HFY_ISA_SCALAR && !CHECK(!memcmp(z, dc, m * n * sizeof *z))) printf("      %s m %zu n %zu k %zu\n", hfy_simd_text(simd->isa), m, n, k);
          for (i = 0; i < m * k; i++) da[i] *= 1 + 1e-9;
          for (i = 0; i < k * n; i++) db[i] *= 1 - 1e-9;
#else
          for (i = 0; i < m * n; i++) c[i] = before[i];
          sgemm(simd, m, n, k, 1, a, k, 1, b, n, 1, 1, c, n, 1, (float *)(void *)scratch);
          simd->combine(w, k, m, x, n, k, n, z, n);
          if (simd->isa != HFY_ISA_SCALAR && !CHECK(!memcmp(z, c, m * n * sizeof *z))) printf("      %s m %zu n %zu k %zu\n", hfy_simd_text(simd->isa), m, n, k);
#endif
        }
      }
}

/* y = alpha A x + beta y both ways, odd sizes, at the end of a page; the same bits in parts and, in double, as a
   retrieval's scores. */
TEST(vectors) {
  static const size_t sizes[] = {1, 2, 3, 7, 8, 9, 16, 17, 31, 63, 64, 65, 130, 2100};
  const hfy_simd_ *simd;
  size_t t, u, v, i, p, way;
  double *a0 = (double *)at_the_edge(2100 * 140 * sizeof *a0), *x0 = (double *)at_the_edge(2100 * sizeof *x0);
  double *y0 = (double *)at_the_edge(2100 * sizeof *y0);
  static double again[2100];
  for (u = 0; u < sizeof sizes / sizeof sizes[0]; u++)
    for (v = FEWER > 1 ? u % 3 : 0; v < sizeof sizes / sizeof sizes[0]; v += FEWER > 1 ? 3 : 1) {
      size_t m = sizes[u], k = sizes[v];
      if (m * k > 2100 * 140) continue;
      for (way = 0; way < 2; way++) {
        size_t row = way ? 1 : k, col = way ? m : 1;
        double *a = a0 + (2100 * 140 - m * k), *x = x0 + (2100 - k), *y = y0 + (2100 - m);
        const double beta = (double)((u + v) % 2), alpha = u % 2 ? 1 : -1;
        for (i = 0; i < m * k; i++) a[i] = bell(&dice);
        for (i = 0; i < k; i++) x[i] = bell(&dice);
        EACH_TABLE(simd, t)
        {
          int ok = 1, same = 1;
          for (i = 0; i < m; i++) y[i] = again[i] = beta > 0 ? 3 : strtod("nan", NULL);
          dgemv(simd, m, k, alpha, a, row, col, x, beta, y);
          for (i = 0; i < m; i += 1 + i) /* in parts of 1, 1, 2, 4, ... */
            dgemv(simd, hfy_base_min_(1 + i, m - i), k, alpha, a + i * row, row, col, x, beta, again + i);
          for (i = 0; i < m; i++) {
            long double want = beta > 0 ? 3 : 0, size = want;
            for (p = 0; p < k; p++) {
              want += (long double)alpha * (long double)a[i * row + p * col] * (long double)x[p];
              size += fabsl((long double)a[i * row + p * col] * (long double)x[p]);
            }
            ok &= fabsl((long double)y[i] - want) <= (4 + 2 * sqrtl((long double)k)) * 2.3e-16L * size;
            same &= y[i] == again[i];
          }
#ifdef HFY_DOUBLE
          if (!way && simd->isa != HFY_ISA_SCALAR) {
            simd->dot(a, k, m, x, k, 1, k, again, m);
            for (i = 0; i < m; i++) same &= y[i] == alpha * again[i] + (beta > 0 ? 3 : 0);
          }
#endif
          if (!CHECK(ok)) printf("      %s m %zu k %zu way %zu\n", hfy_simd_text(simd->isa), m, k, way);
#if !defined(HFY_CBLAS)
          if (!CHECK(same)) printf("      bits: %s m %zu k %zu way %zu\n", hfy_simd_text(simd->isa), m, k, way);
#endif
        }
      }
    }
}

/* A row and column out of a factor: that of what is left, in rows and packed. */
TEST(factor_leave) {
  enum { most_n = 24 };
  size_t n, out, i, j, k;
  double x[most_n * most_n], full[most_n * most_n], less[most_n * most_n], packed[most_n * most_n];
  for (n = 1; n <= most_n; n += 1 + n / 4)
    for (out = 0; out < n; out++) {
      double worst = 0, apart = 0;
      for (i = 0; i < n * n; i++) x[i] = bell(&dice);
      for (i = 0; i < n; i++)
        for (j = 0; j < n; j++) {
          double sum = i == j;
          for (k = 0; k < n; k++) sum += x[i * n + k] * x[j * n + k];
          full[i * n + j] = sum;
          if (i != out && j != out) less[(i - (i > out)) * n + j - (j > out)] = sum;
        }
      CHECK(hfy_linalg_cholesky_(full, n) == HFY_OK);
      CHECK(hfy_linalg_cholesky_rows_(less, n, n - 1, NULL, 0) == HFY_OK);
      for (i = 0; i < n; i++) memcpy(packed + i * (i + 1) / 2, full + i * n, (i + 1) * sizeof *full);
      hfy_linalg_factor_leave_(full, n, n, out);
      hfy_linalg_factor_leave_(packed, 0, n, out);
      for (i = 0; i + 1 < n; i++)
        for (j = 0; j <= i; j++) {
          worst = fmax(worst, fabs(full[i * n + j] - less[i * n + j]));
          apart = fmax(apart, fabs(full[i * n + j] - packed[i * (i + 1) / 2 + j]));
        }
      CHECK(worst <= 1e-12 * (double)n);
      CHECK(apart <= 0);
    }
}

/* S^+ X by eigenvalues, S of every rank: S S^+ X is the projection of X, and S^+ X lies in the span of S. */
TEST(symmetric_pinv) {
  enum { n = 17, columns = 5 };
  static double y[n * n], s[n * n], copy[n * n], x[n * columns], out[n * columns], turned[n * columns];
  static double values[n], vectors[n * n], gemm[40000];
  size_t rank, i, j, k;
  for (rank = 0; rank <= n; rank++) {
    hfy_linalg_symmetric_ eigen;
    hfy_base_arena_ arena = {NULL, 0, 0, 0};
    hfy_work work;
    hfy_status status = HFY_OK;
    double worst = 0;
    memset(&work, 0, sizeof work);
    memset(&eigen, 0, sizeof eigen);
    eigen.simd = hfy_simd_of_(HFY_ISA_BEST);
    while (hfy_base_layout_(&arena, &work, &status)) hfy_linalg_symmetric_plan_(&arena, n, 1, &eigen);
    for (i = 0; i < n * n; i++) y[i] = bell(&dice);
    for (i = 0; i < n * columns; i++) x[i] = bell(&dice);
    hfy_linalg_multiply_(eigen.simd, n, n, rank, hfy_linalg_rows_(y, n), hfy_linalg_turned_(y, n),
                         hfy_linalg_set_(s, n), gemm);
    memcpy(copy, s, sizeof s);
    CHECK(hfy_linalg_symmetric_run_(&eigen, copy, values, vectors) == HFY_OK);
    CHECK_EQ(hfy_linalg_symmetric_pinv_(&eigen, values, 1e-12, columns, x, turned, out, gemm), rank);
    for (i = 0; i < n; i++)
      for (j = 0; j < columns; j++) { /* S (S S^+ X - X) = 0 */
        double sum = 0, size = 0;
        for (k = 0; k < n; k++) {
          double in = -x[k * columns + j];
          size_t l;
          for (l = 0; l < n; l++) in += s[k * n + l] * out[l * columns + j];
          sum += s[i * n + k] * in;
          size += fabs(s[i * n + k]);
        }
        worst = fmax(worst, fabs(sum) / (1 + size));
      }
    CHECK(!rank || worst <= 1e-14 * values[0] / values[rank - 1]);
    memcpy(turned, out, sizeof out);
    memcpy(copy, x, sizeof x); /* in place */
    hfy_linalg_symmetric_pinv_(&eigen, values, 1e-12, columns, copy, turned, copy, gemm);
    CHECK(!memcmp(copy, out, sizeof out));
    hfy_work_free(&work);
  }
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  dice = hfy_rng_seed(36);
  find_tables();
  RUN(edges);
  RUN(layouts);
  RUN(blocks);
  RUN(begins_with_a_row);
  RUN(nothing_to_add);
  RUN(nonfinite);
#if !defined(HFY_CBLAS) /* a BLAS promises no bits */
  RUN(parts);
  RUN(definition);
#endif
  RUN(vectors);
  RUN(factor_leave);
  RUN(symmetric_pinv);
  return CHECK_END();
}
