/* test_simd.c: every kernel of every instruction set that this machine has, against long double and brute force; one query
   against a batch, bit for bit; sizes around every vector width, at the end of a page, with NaN right behind.
   `test_simd exp_every_float` runs exp over all 2^32 floats (minutes). */
#include "tables.h"

static hfy_real normal(void) { return (hfy_real)hfy_rng_normal(&dice); }
static hfy_real quiet_nan(void) {
  double nan = strtod("nan", NULL);
  return (hfy_real)nan;
}

/* Distance in units of the last place of a hfy_real (or double) near want. */
static double ulps_of(double got, long double want, int digits, int least) {
  int exponent;
  long double unit;
  if (hfy_base_is_nan_(got)) return 1e30;
  (void)frexpl(want, &exponent);
  exponent -= digits;
  unit = ldexpl(1.0L, exponent > least ? exponent : least);
  return (double)(fabsl((long double)got - want) / unit);
}
#ifdef HFY_DOUBLE
static double ulps(hfy_real got, long double want) { return ulps_of(got, want, 53, -1074); }
#else
static double ulps(hfy_real got, long double want) { return ulps_of((double)got, want, 24, -149); }
#endif

#ifdef HFY_DOUBLE
enum { SMALLEST = DBL_MIN_EXP - 1 };
#define TINY (-690.7755278982137) /* log 1e-300: softmax is 0 below */
#else
enum { SMALLEST = FLT_MIN_EXP - 1 };
#define TINY (-85.195648) /* log 1e-37 */
#endif

static hfy_simd_pairs_ *pairs_of(const hfy_simd_ *simd, int kind) {
  return kind == 0 ? simd->dot : kind == 1 ? simd->euclidean : simd->manhattan;
}

static long double pair_exact(int kind, const hfy_real *x, const hfy_real *q, size_t dim, long double *size) {
  long double sum = 0;
  size_t d;
  *size = 0;
  for (d = 0; d < dim; d++) {
    long double a = (long double)x[d], b = (long double)q[d], v;
    v = kind == 0 ? a * b : kind == 1 ? (a - b) * (a - b) : fabsl(a - b);
    sum += v;
    *size += fabsl(v);
  }
  return sum;
}

/* One pair, at the end of a page, for every dim around the vector widths and the blocks. */
TEST(pair_values) {
  const hfy_simd_ *simd;
  size_t t, dim, d, most = 4200;
  hfy_real *x = (hfy_real *)at_the_edge(most * sizeof *x), *q = (hfy_real *)at_the_edge(most * sizeof *q);
  int kind;
  for (dim = 0; dim <= most; dim += dim < 140 ? 1 : dim < 2040 ? 211 : dim < 2060 ? 1 : dim < 4090 ? 677 : 3) {
    hfy_real *px = x + (most - dim), *pq = q + (most - dim);
    for (d = 0; d < dim; d++) {
      px[d] = normal();
      pq[d] = normal();
    }
    for (kind = 0; kind < 3; kind++) {
      long double size, want = pair_exact(kind, px, pq, dim, &size);
      EACH_TABLE(simd, t)
      {
        hfy_real got = 7;
        pairs_of(simd, kind)(px, dim, 1, pq, dim, 1, dim, &got, 1);
        /* lanes, fold and products: well under dim/4 roundings each */
        CHECK(fabsl((long double)got - want) <= (4 + sqrtl((long double)dim)) * REAL_EPS * size);
      }
    }
  }
}

/* Any batch gives the bits of single pairs; strides; NaN beyond the ends of rows and outputs does not come in. */
TEST(pair_tiles) {
  static const size_t dims[] = {1, 5, 8, 16, 17, 31, 64, 100, 2048, 2050, 4100};
  const hfy_simd_ *simd;
  size_t t, n, rows, nq, i, j, d;
  int kind;
  hfy_real *x = (hfy_real *)malloc(40 * 4110 * sizeof *x), *q = (hfy_real *)malloc(20 * 4110 * sizeof *q);
  hfy_real *out = (hfy_real *)malloc(20 * 50 * sizeof *out), *one = (hfy_real *)malloc(20 * 50 * sizeof *one);
  for (n = 0; n < sizeof dims / sizeof dims[0]; n++) {
    size_t dim = dims[n], xs = dim + 3, qs = dim + 1;
    size_t offset = n % 4;
    hfy_real *px = x + offset, *pq = q + offset + 1;
    for (i = 0; i < 40 * xs; i++) px[i] = quiet_nan();
    for (i = 0; i < 19 * qs; i++) pq[i] = quiet_nan();
    for (i = 0; i < 38; i++)
      for (d = 0; d < dim; d++) px[i * xs + d] = normal();
    for (j = 0; j < 17; j++)
      for (d = 0; d < dim; d++) pq[j * qs + d] = normal();
    for (kind = 0; kind < 3; kind++)
      EACH_TABLE(simd, t)
      {
        hfy_simd_pairs_ *pairs = pairs_of(simd, kind);
        for (i = 0; i < 38; i++)
          for (j = 0; j < 17; j++) pairs(px + i * xs, xs, 1, pq + j * qs, qs, 1, dim, one + j * 50 + i, 1);
        for (rows = 1; rows <= 38; rows += dim > 100 ? 9 : rows < 20 && FEWER == 1 ? 1 : 7)
          for (nq = 1; nq <= 17; nq += dim > 100 || FEWER > 1 ? 3 : 1) {
            int ok = 1;
            for (i = 0; i < 20 * 50; i++) out[i] = 77;
            pairs(px, xs, rows, pq, qs, nq, dim, out, 50);
            for (j = 0; j < 20; j++)
              for (i = 0; i < 50; i++)
                ok &= j < nq && i < rows ? same_bits(out + j * 50 + i, one + j * 50 + i, sizeof *out)
                                         : out[j * 50 + i] == 77;
            CHECK(ok);
            for (j = 0, ok = 1; j < nq; j++)
              for (i = 0; i < rows; i++) ok &= hfy_base_is_finite_((double)out[j * 50 + i]);
            CHECK(ok);
          }
      }
  }
  free(x), free(q), free(out), free(one);
}

/* Enough rows and queries that the kernel blocks them for the caches. */
TEST(pair_blocks) {
  const hfy_simd_ *simd;
  const size_t dim = 1030, rows = 150, nq = 130;
  size_t t, i, j;
  hfy_real *x = (hfy_real *)malloc(rows * dim * sizeof *x), *q = (hfy_real *)malloc(nq * dim * sizeof *q);
  hfy_real *out = (hfy_real *)malloc(rows * nq * sizeof *out);
  for (i = 0; i < rows * dim; i++) x[i] = normal();
  for (i = 0; i < nq * dim; i++) q[i] = normal();
  EACH_TABLE(simd, t)
  {
    int ok = 1;
    if (simd->isa == HFY_ISA_SCALAR) continue;
    for (i = 0; i < rows * nq; i++) out[i] = 77;
    simd->dot(x, dim, rows, q, dim, nq, dim, out, rows);
    for (j = 0; j < nq; j += 7)
      for (i = 0; i < rows; i += 3) {
        hfy_real one;
        simd->dot(x + i * dim, dim, 1, q + j * dim, dim, 1, dim, &one, 1);
        ok &= same_bits(&one, out + j * rows + i, sizeof one);
      }
    for (i = 0; i < rows * nq; i++) ok &= out[i] != 77;
    CHECK(ok);
  }
  free(x), free(q), free(out);
}

/* Many queries of short rows, whose panels are turned: the dots of one alone, and nothing beside them is written. */
TEST(pair_turned) {
  static const size_t dims[] = {8, 16, 32, 80, 128, 250, 256};
  const hfy_simd_ *simd;
  enum { rows_most = 120, nq_most = 37, xs = 259, qs = 261, os = 123 };
  hfy_real *x = (hfy_real *)malloc(rows_most * xs * sizeof *x), *q = (hfy_real *)malloc(nq_most * qs * sizeof *q);
  hfy_real *out = (hfy_real *)malloc(nq_most * os * sizeof *out), one;
  size_t t, i, j, k, d, rows, nq, dim;
  for (k = 0; k < sizeof dims / sizeof dims[0]; k++) {
    dim = dims[k];
    for (i = 0; i < rows_most * xs; i++) x[i] = quiet_nan();
    for (i = 0; i < nq_most * qs; i++) q[i] = quiet_nan();
    for (i = 0; i < rows_most; i++) /* some of products that vanish: sums of -0 */
      for (d = 0; d < dim; d++) x[i * xs + d] = i % 7 == 5 ? (hfy_real)ldexp(1, SMALLEST) : normal();
    for (j = 0; j < nq_most; j++)
      for (d = 0; d < dim; d++) q[j * qs + d] = j % 5 == 3 ? -(hfy_real)ldexp(1, SMALLEST) : normal();
    EACH_TABLE(simd, t)
      for (rows = 1; rows <= rows_most; rows += rows < 60 ? 3 : 19)
        for (nq = 15; nq <= nq_most; nq += nq < 19 ? 1 : 6) {
          int ok = 1;
          for (i = 0; i < nq_most * os; i++) out[i] = 77;
          simd->dot(x, xs, rows, q, qs, nq, dim, out, os);
          for (j = 0; j < nq_most; j++)
            for (i = 0; i < os; i++) {
              if (j < nq && i < rows) {
                if (FEWER > 1 && (i + j) % 3) continue;
                simd->dot(x + i * xs, xs, 1, q + j * qs, qs, 1, dim, &one, 1);
                ok &= same_bits(out + j * os + i, &one, sizeof one);
              } else {
                ok &= out[j * os + i] == 77;
              }
            }
          CHECK(ok);
        }
  }
  free(x), free(q), free(out);
}

/* NaN and infinity reach their own pair and no other. */
TEST(pair_nonfinite) {
  const hfy_simd_ *simd;
  hfy_real x[11 * 37], q[5 * 37], out[5 * 11];
  size_t t, i, j, at;
  int kind;
  for (i = 0; i < 11 * 37; i++) x[i] = normal();
  for (i = 0; i < 5 * 37; i++) q[i] = normal();
  for (at = 0; at < 37; at += 4) {
    hfy_real kept = x[3 * 37 + at], kept_q = q[2 * 37 + at];
    for (kind = 0; kind < 3; kind++)
      EACH_TABLE(simd, t)
      {
        int ok = 1;
        x[3 * 37 + at] = quiet_nan();
        q[2 * 37 + at] = (hfy_real)HUGE_VAL;
        pairs_of(simd, kind)(x, 37, 11, q, 37, 5, 37, out, 11);
        for (j = 0; j < 5; j++)
          for (i = 0; i < 11; i++)
            if (i == 3)
              ok &= hfy_base_is_nan_((double)out[j * 11 + i]);
            else
              ok &= hfy_base_is_finite_((double)out[j * 11 + i]) == (j != 2) &&
                    !hfy_base_is_nan_((double)out[j * 11 + i]);
        CHECK(ok);
        x[3 * 37 + at] = kept;
        q[2 * 37 + at] = kept_q;
      }
  }
}

/* What combine means, in long double. */
static long double combine_exact(const hfy_real *w, const hfy_real *x, size_t xs, size_t rows, size_t d, long double z,
                                 long double *size) {
  size_t i;
  *size = fabsl(z);
  for (i = 0; i < rows; i++)
    if (w[i] > 0 || w[i] < 0) {
      z += (long double)w[i] * (long double)x[i * xs + d];
      *size += fabsl((long double)w[i] * (long double)x[i * xs + d]);
    }
  return z;
}

/* Every dim, at the end of a page: one query, gathered rows and a batch agree with long double and with each other. */
TEST(combine_values) {
  const hfy_simd_ *simd;
  enum { rows = 11, nq = 9, most = 130 };
  hfy_real *x = (hfy_real *)at_the_edge(rows * most * sizeof *x), *z = (hfy_real *)at_the_edge(nq * most * sizeof *z);
  hfy_real *g = (hfy_real *)at_the_edge(most * sizeof *g), *s = (hfy_real *)at_the_edge(most * sizeof *s);
  hfy_real w[nq * rows], list_w[rows];
  size_t t, dim, i, j, d, index[rows], count;
  for (dim = 1; dim <= most; dim++) {
    hfy_real *px = x + rows * (most - dim), *pz = z + nq * (most - dim), *pg = g + (most - dim), *ps = s + (most - dim);
    for (i = 0; i < rows * dim; i++) px[i] = normal();
    for (i = 0; i < nq * rows; i++) w[i] = hfy_rng_uniform(&dice) < 0.3 ? (hfy_real)0 : normal();
    EACH_TABLE(simd, t)
    {
      int ok = 1, same = 1;
      for (i = 0; i < nq * dim; i++) pz[i] = (hfy_real)0.5;
      simd->combine(w, rows, nq, px, dim, rows, dim, pz, dim);
      for (j = 0; j < nq; j++) {
        for (d = 0; d < dim; d++) {
          long double size, want = combine_exact(w + j * rows, px, dim, rows, d, 0.5L, &size);
          ok &= fabsl((long double)pz[j * dim + d] - want) <= rows * REAL_EPS * size;
          pg[d] = ps[d] = (hfy_real)0.5;
        }
        for (i = count = 0; i < rows; i++)
          if (w[j * rows + i] != 0 || i == 4) index[count] = i, list_w[count++] = w[j * rows + i];
        simd->gather(index, list_w, count, px, dim, dim, pg);
        simd->combine(w + j * rows, rows, 1, px, dim, rows, dim, ps, dim);
        same &= same_bits(pg, pz + j * dim, dim * sizeof *pg) && same_bits(ps, pz + j * dim, dim * sizeof *ps);
      }
      CHECK(ok);
      CHECK(same);
    }
  }
}

/* Batches of every size, dense, half empty and nearly empty weights, many rows, strides with NaN between. */
TEST(combine_tiles) {
  static const size_t row_counts[] = {1, 3, 4, 5, 127, 128, 129, 300};
  static const double density[] = {1.0, 0.9, 0.5, 0.02, 0.0};
  const hfy_simd_ *simd;
  enum { most = 300, dim = 103, xs = dim + 5, zs = dim + 2, ws = most + 1, nq_most = 19 };
  hfy_real *x = (hfy_real *)malloc(most * xs * sizeof *x), *w = (hfy_real *)malloc(nq_most * ws * sizeof *w);
  hfy_real *z = (hfy_real *)malloc(nq_most * zs * sizeof *z), one[dim];
  size_t t, i, j, d, r, nq, k;
  for (i = 0; i < most * xs; i++) x[i] = quiet_nan();
  for (i = 0; i < most; i++)
    for (d = 0; d < dim; d++) x[i * xs + d] = normal();
  for (k = 0; k < sizeof density / sizeof density[0]; k++)
    for (r = 0; r < sizeof row_counts / sizeof row_counts[0]; r++)
      for (nq = 1; nq <= nq_most; nq += nq < 10 ? 1 : 3) {
        size_t rows = row_counts[r];
        for (i = 0; i < nq_most * ws; i++) w[i] = quiet_nan();
        for (j = 0; j < nq; j++)
          for (i = 0; i < rows; i++) w[j * ws + i] = hfy_rng_uniform(&dice) < density[k] ? normal() : (hfy_real)0;
        EACH_TABLE(simd, t)
        {
          int ok = 1;
          for (i = 0; i < nq_most * zs; i++) z[i] = 3;
          simd->combine(w, ws, nq, x, xs, rows, dim, z, zs);
          for (j = 0; j < nq; j++) {
            for (d = 0; d < dim; d++) one[d] = 3;
            simd->combine(w + j * ws, ws, 1, x, xs, rows, dim, one, dim);
            ok &= same_bits(one, z + j * zs, sizeof one);
            ok &= z[j * zs + dim] == 3 && z[j * zs + dim + 1] == 3;
          }
          for (; j < nq_most; j++)
            for (d = 0; d < zs; d++) ok &= z[j * zs + d] == 3;
          for (d = 0; d < dim; d++) { /* a batch or not, it is the sum */
            long double size, want = combine_exact(w, x, xs, rows, d, 3, &size);
            ok &= fabsl((long double)z[d] - want) <= (long double)(rows + 1) * REAL_EPS * size;
          }
          CHECK(ok);
        }
      }
  free(x), free(w), free(z);
}

/* As a causal mask leaves them: weights at the front of every row, some with a hole; whole tiles, too. What no query has
   a weight for may hold anything. */
TEST(combine_causal) {
  static const size_t widths[] = {8, 16, 20, 32, 64, 96, 128, 130};
  const hfy_simd_ *simd;
  enum { rows = 140, dim_most = 130, nq = 75 };
  hfy_real *x = (hfy_real *)malloc(rows * dim_most * sizeof *x), *w = (hfy_real *)malloc(nq * rows * sizeof *w);
  hfy_real *z = (hfy_real *)malloc(nq * dim_most * sizeof *z), one[dim_most];
  size_t t, i, j, k, way, dim;
  for (k = 0; k < sizeof widths / sizeof widths[0]; k++)
    for (way = 0; way < 4; way++) {
      dim = widths[k];
      for (i = 0; i < rows * dim; i++) x[i] = way && i / dim >= 2 * nq - 20 ? quiet_nan() : normal();
      for (j = 0; j < nq; j++)
        for (i = 0; i < rows; i++) /* all; more from query to query; and holes; in any order */
          w[j * rows + i] = !way || (i < (way == 3 ? j * 29 % nq : j) * 2 - j % 2 && i < 2 * nq - 20 &&
                                     !(way == 2 && j % 6 == 1 && i == j / 3))
                                ? normal()
                                : (hfy_real)0;
      for (i = 0; i < rows; i++) w[i] = way ? 0 : w[i]; /* one has none at all */
      EACH_TABLE(simd, t)
      {
        int ok = 1;
        for (i = 0; i < nq * dim; i++) z[i] = (hfy_real)-0.0;
        simd->combine(w, rows, nq, x, dim, rows, dim, z, dim);
        for (j = 0; j < nq; j++) {
          for (i = 0; i < dim; i++) one[i] = (hfy_real)-0.0;
          simd->combine(w + j * rows, rows, 1, x, dim, rows, dim, one, dim);
          ok &= same_bits(one, z + j * dim, dim * sizeof *one) && hfy_base_is_finite_((double)one[0]);
        }
        CHECK(ok);
      }
    }
  free(x), free(w), free(z);
}

/* A weight of 1 on a start of -0 copies its row to the bit, signed zeros too; a weight of 0 keeps even NaN rows out. */
TEST(combine_copies) {
  const hfy_simd_ *simd;
  enum { rows = 9, dim = 53, nq = 8 };
  hfy_real x[rows * dim], w[nq * rows], z[nq * dim];
  size_t t, i, j, index = 6;
  hfy_real weight = 1;
  for (i = 0; i < rows * dim; i++) x[i] = i / dim == 6 || i / dim == 1 ? normal() : quiet_nan();
  x[6 * dim + 3] = 0;
  x[6 * dim + 4] = (hfy_real)-0.0;
  x[6 * dim + 52] = (hfy_real)-0.0;
  EACH_TABLE(simd, t)
  {
    int ok = 1;
    for (i = 0; i < nq * rows; i++) w[i] = i % rows == (i / rows % 2 ? 1 : 6) ? (hfy_real)1 : (hfy_real)(i % 2 ? 0.0 : -0.0);
    for (i = 0; i < nq * dim; i++) z[i] = (hfy_real)-0.0;
    simd->combine(w, rows, nq, x, dim, rows, dim, z, dim);
    for (j = 0; j < nq; j++) ok &= same_bits(z + j * dim, x + (j % 2 ? 1 : 6) * dim, dim * sizeof *x);
    for (i = 0; i < dim; i++) z[i] = (hfy_real)-0.0;
    simd->gather(&index, &weight, 1, x, dim, dim, z);
    ok &= same_bits(z, x + 6 * dim, dim * sizeof *x);
    CHECK(ok);
  }
}

TEST(max_values) {
  const hfy_simd_ *simd;
  enum { most = 300 };
  hfy_real *x = (hfy_real *)at_the_edge(most * sizeof *x);
  size_t t, n, i;
  for (n = 1; n <= most; n++) {
    hfy_real *p = x + (most - n), want;
    for (i = 0; i < n; i++) p[i] = (hfy_real)((double)normal() - 5);
    for (i = 0; i < n; i += 1 + n / 5) { /* the largest at several places */
      hfy_real kept = p[i];
      p[i] = want = 2;
      EACH_TABLE(simd, t) CHECK(simd->max(p, n, NULL) == want);
      p[i] = quiet_nan();
      EACH_TABLE(simd, t) CHECK(hfy_base_is_nan_((double)simd->max(p, n, NULL)));
      p[i] = (hfy_real)HUGE_VAL;
      EACH_TABLE(simd, t) CHECK(hfy_base_is_pos_inf_((double)simd->max(p, n, NULL)));
      p[i] = kept;
    }
    for (i = 0; i < n; i++) p[i] = (hfy_real)-HUGE_VAL;
    EACH_TABLE(simd, t) CHECK(hfy_base_is_neg_inf_((double)simd->max(p, n, NULL)));
    p[n - 1] = (hfy_real)-1e30;
    EACH_TABLE(simd, t) CHECK(simd->max(p, n, NULL) == (hfy_real)-1e30);
    p[0] = quiet_nan();
    EACH_TABLE(simd, t) CHECK(hfy_base_is_nan_((double)simd->max(p, n, NULL)));
  }
}

TEST(window_values) {
  static const double widths[] = {0, 1e-12, 1e-3, 0.5, 2, 30, HUGE_VAL};
  const hfy_simd_ *simd;
  enum { most = 300 };
  hfy_real *x = (hfy_real *)at_the_edge(most * sizeof *x);
  size_t *index = (size_t *)at_the_edge(most * sizeof *index), t, n, i, k, round;
  double *delta = (double *)at_the_edge(most * sizeof *delta);
  for (n = 1; n <= most; n += n < 140 ? 1 : 13)
    for (round = 0; round < 3; round++)
      for (k = 0; k < sizeof widths / sizeof widths[0]; k++) {
        hfy_real *p = x + (most - n), max = (hfy_real)-HUGE_VAL;
        size_t *pi = index + (most - n);
        double *pd = delta + (most - n);
        for (i = 0; i < n; i++) {
          p[i] = normal();
          if (round == 1) p[i] = (hfy_real)(floor(2 * (double)p[i]) / 2); /* ties, also at the edge */
          if (round == 2 && i % 3) p[i] = (hfy_real)-HUGE_VAL;
          if (p[i] > max) max = p[i];
        }
        EACH_TABLE(simd, t)
        {
          size_t got = simd->window(p, n, max, widths[k], pi, pd), want = 0;
          int ok = 1;
          for (i = 0; i < n; i++) {
            double d = (double)max - (double)p[i];
            if (!(d < widths[k] || d == 0)) continue;
            ok &= want < got && pi[want] == i && pd[want] == d;
            want++;
          }
          CHECK(ok && got == want);
        }
      }
}

TEST(softmax_values) {
  static const double spread[] = {0.01, 1, 10, 100, 1000};
  const hfy_simd_ *simd;
  enum { most = 200 };
  hfy_real *x = (hfy_real *)at_the_edge(most * sizeof *x), *y = (hfy_real *)at_the_edge(most * sizeof *y);
#ifdef HFY_DOUBLE
  const long double least = 1e-300L;
#else
  const long double least = 1e-37L;
#endif
  size_t t, n, i, k;
  for (n = 1; n <= most; n += n < 135 ? 1 : 9)
    for (k = 0; k < sizeof spread / sizeof spread[0]; k++) {
      hfy_real *p = x + (most - n), *py = y + (most - n), max;
      for (i = 0; i < n; i++) p[i] = (hfy_real)(spread[k] * (double)normal() + 3);
      if (n > 3) p[n / 2] = (hfy_real)-HUGE_VAL;
      for (i = 1, max = p[0]; i < n; i++) max = p[i] > max ? p[i] : max;
      EACH_TABLE(simd, t)
      {
        double sum = simd->softmax(p, n, max, TINY, py), worst = 0, total = 0;
        int ok = 1;
        for (i = 0; i < n; i++) {
          long double want = expl((long double)p[i] - (long double)max);
          if (want < 1.001L * least) {
            ok &= py[i] == 0 || want > 0.999L * least;
          } else {
            double u = ulps(py[i], want);
            worst = u > worst ? u : worst;
          }
          total += (double)py[i];
        }
        CHECK(ok);
        CHECK(worst <= 2);
        CHECK_NEAR(sum, total, sizeof(hfy_real) == 4 ? 1.2e-7 : 1e-14); /* float adds four at a time */
        CHECK(py[n / 2] == 0 || n <= 3);
        memcpy(py, p, n * sizeof *p); /* in place */
        CHECK(simd->softmax(py, n, max, TINY, py) == sum);
      }
    }
}

/* Below `least` there is nothing, above it nothing changes. */
TEST(softmax_cut) {
  enum { n = 147 };
  const hfy_simd_ *simd;
  hfy_real x[n], y[n], cut[n];
  size_t t, i;
  for (i = 0; i < n; i++) x[i] = i ? (hfy_real)(-0.25 * (double)(i * 31 % n)) : 0;
  EACH_TABLE(simd, t)
  {
    double sum, want = 0;
    simd->softmax(x, n, 0, TINY, y);
    sum = simd->softmax(x, n, 0, -16.1, cut);
    for (i = 0; i < n; i++) {
      CHECK(x[i] < -16 ? cut[i] == 0 : same_bits(cut + i, y + i, sizeof *y));
      want += (double)cut[i];
    }
    CHECK_NEAR(sum, want, 1e-6);
  }
}

/* However many weights are equal the sum keeps its digits, and scores masked behind the last one change no bit. */
TEST(softmax_sums) {
  static const size_t sizes[] = {1, 7, 63, 64, 65, 511, 2047, 2048, 2049, 4100, 1000003};
  enum { most = 1000003, more = 300 };
  const hfy_simd_ *simd;
  hfy_real *x = (hfy_real *)malloc((most + more) * sizeof *x), *y = (hfy_real *)malloc((most + more) * sizeof *y);
  size_t t, k, i, n;
  for (k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
    n = sizes[k];
    EACH_TABLE(simd, t)
    {
      double sum, one;
      for (i = 0; i < n; i++) x[i] = i % 3 ? (hfy_real)0.7 : (hfy_real)0.4;
      for (i = n; i < n + more; i++) x[i] = (hfy_real)-HUGE_VAL;
      x[0] = (hfy_real)0.7; /* the best */
      sum = simd->softmax(x, n, x[0], TINY, y);
      one = n > 3 ? (double)y[3] : 0;
      CHECK_NEAR(sum, 1 + one * (double)((n - 1) / 3) + (double)(n - 1 - (n - 1) / 3),
                 sizeof(hfy_real) == 4 ? 1.2e-7 : 256 * REAL_EPS);
      for (i = 1; i <= more; i += n > 10000 ? 230 : i < 70 ? 1 : 46)
        CHECK(simd->softmax(x, n + i, x[0], TINY, y) == sum);
      if (n > 10000) continue;
      for (i = 0; i < n; i++) x[i] = (hfy_real)normal();
      for (i = 1; i < n; i++) x[0] = x[i] > x[0] ? x[i] : x[0];
      sum = simd->softmax(x, n, x[0], TINY, y);
      for (i = 1; i <= more; i += i < 70 ? 1 : 46) CHECK(simd->softmax(x, n + i, x[0], TINY, y) == sum);
    }
  }
  free(x), free(y);
}

#ifndef HFY_DOUBLE
/* e^(a (x - max)): near exact, 0 where it is below e^least, the same bits in place and with masked numbers behind. */
TEST(softmax_of_late_scores) {
  static const double factors[] = {1, 2.5e-5, 0.1, 700, 1e-30, 1e30};
  const hfy_simd_ *simd;
  enum { most = 300 };
  hfy_real x[most], y[most], z[most];
  size_t t, n, i, k;
  for (k = 0; k < sizeof factors / sizeof factors[0]; k++)
    for (n = 1; n + 9 < most; n += n < 70 ? 1 : 31) {
      const double a = factors[k], high = n % 3 ? 110 : 40000, edge = n % 3 ? 1e-4 : 1e-2;
      hfy_real max = (hfy_real)(high / a);
      for (i = 0; i < n; i++) x[i] = (hfy_real)(high / a - 30 / a * fabs((double)normal()));
      x[n / 2] = max;
      for (i = n; i < n + 9; i++) x[i] = (hfy_real)-HUGE_VAL;
      EACH_TABLE(simd, t) {
        double sum = simd->softmax_late(x, n, max, a, -16.1 / a, y), all = 0;
        int ok = (double)y[n / 2] >= 1 && (double)y[n / 2] <= 1;
        for (i = 0; i < n; i++) {
          const double theta = a * ((double)x[i] - (double)max), want = exp(theta);
          if (theta < -16.1 - edge) ok &= (double)y[i] <= 0;
          if (theta > -16.1 + edge) ok &= fabs((double)y[i] - want) <= want * REAL_EPS * (2 + 0.8 * fabs(theta));
          all += (double)y[i];
        }
        CHECK(ok);
        CHECK_NEAR(sum, all, 1e-6);
        memcpy(z, x, sizeof z);
        CHECK(simd->softmax_late(z, n + 9, max, a, -16.1 / a, z) == sum && !memcmp(z, y, n * sizeof *z));
      }
    }
}

/* Scores whose ulp is large beside the width of e, or that leave hfy_real less that width: never an exponent that wraps,
   never a number of -infinity. Factor 0: softmax. */
TEST(softmax_of_the_largest_scores) {
  static const double factors[] = {0, 0.87, 0.93, 1.7, 1e-3, 1e-20, 1.01e-36, 1e20};
  const hfy_simd_ *simd;
  enum { n = 40 };
  hfy_real x[n], y[n];
  size_t t, f, sign, i;
  int power;
  for (f = 0; f < sizeof factors / sizeof factors[0]; f++)
    for (power = 0; power < 40; power++)
      for (sign = 0; sign < 4; sign++) {
        const double a = f ? factors[f] : 1, low = TINY / a, top = fmin(ldexp(1 / a, power), REAL_MAX);
        const hfy_real max = (hfy_real)(sign < 3 ? (sign % 2 ? -top : top) * (1 + 0.3 * fabs(sin((double)power))) : 0);
        if (!(fabs((double)max) <= REAL_MAX)) continue;
        for (i = 0; i < n; i++) {
          const double at = (double)max + (sign == 2 ? 0.1 : 0.05) * (double)i * low;
          x[i] = (hfy_real)(at < -REAL_MAX ? -REAL_MAX : at);
        }
        x[n - 2] = (hfy_real)-REAL_MAX;
        x[n - 1] = (hfy_real)-HUGE_VAL;
        EACH_TABLE(simd, t) {
          const double sum = f ? simd->softmax_late(x, n, max, a, low, y) : simd->softmax(x, n, max, low, y);
          const double by = (double)(hfy_real)a;
          size_t wrong = 0;
          double all = 0;
          for (i = 0; i < n; i++) {
            const double theta = by * ((double)x[i] - (double)max), want = exp(theta), got = (double)y[i];
            wrong += theta < TINY - 1e-4 ? !(got >= 0 && got <= 0)
                                         : !(fabs(got - want) <= want * REAL_EPS * (2 + 0.8 * fabs(theta))) &&
                                               !(theta < TINY + 1e-4 && got <= 0 && got >= 0);
            all += got;
          }
          CHECK(!wrong);
          CHECK_NEAR(sum, all, 1e-6);
        }
      }
}

#ifndef __OPTIMIZE_SIZE__
/* Four rows together: the bits of each alone, zeros up to a whole vector, nothing beyond; large numbers, too. The maxima
   may be found, if all are finite; and a row stays known only if no weight of it is 0. */
TEST(softmax_of_four_rows) {
  static const double shifts[] = {0, 3, -250, 2000, 1e30};
  const hfy_simd_ *simd;
  enum { stride = 208, most = 160 };
  hfy_real x[4 * stride], y[4 * stride], max[4];
  size_t t, k, c, r, i, n[4], wrong, known = 0;
  for (k = 0; k < sizeof shifts / sizeof shifts[0]; k++)
    for (c = 0; c < 60; c++) {
      for (i = 0; i < 4 * stride; i++) x[i] = (hfy_real)((double)normal() + shifts[k] * (c % 3 || i < stride));
      for (r = 0; r < 4; r++) {
        n[r] = c % 7 == r ? 0 : c < 30 ? 4 * c + r + 1 : 1 + (size_t)fabs(60 * normal()) % most;
        if (c % 5 == 1 && n[r]) x[r * stride + n[r] / 3] = (hfy_real)-HUGE_VAL;
        max[r] = n[r] ? hfy_simd_max_scalar_(x + r * stride, n[r], NULL) : 0;
        if (n[r] && !((double)max[r] > -HUGE_VAL)) n[r] = 0, max[r] = 0;
      }
      EACH_TABLE(simd, t) {
        double sums[4] = {0};
        const double a = c % 4 ? 0.35 : 1, least = (c % 3 ? -16.1 : -1.5) / a;
        const int find = (int)(c % 2), off = find ? (int)(c / 2 % 5) : 0; /* off: to find what is not finite */
        hfy_real most_of[4];
        size_t left[4];
        int done;
        if (!simd->softmax_rows) continue;
        memcpy(y, x, sizeof y);
        memcpy(left, n, sizeof n);
        for (r = 0; r < 4; r++) most_of[r] = find ? (hfy_real)99 : max[r];
        r = c / 10 % 4;
        if (off == 1 && n[r]) y[r * stride + n[r] - 1] = quiet_nan();
        if (off == 2 && n[r]) y[r * stride + n[r] / 2] = (hfy_real)HUGE_VAL;
        if (off == 3)
          for (i = 0; i < n[r]; i++) y[r * stride + i] = (hfy_real)-HUGE_VAL;
        done = simd->softmax_rows(y, stride, left, find, most_of, a, least, sums);
        CHECK(done == (!find || ((off < 1 || off > 3) && n[0] && n[1] && n[2] && n[3])));
        for (r = wrong = 0; done && r < 4; r++) {
          hfy_real z[stride];
          const hfy_real *p = x + r * stride;
          const double sum = n[r] ? simd->softmax_late(p, n[r], max[r], a, least, z) : 0;
          int zero = 0;
          for (i = 0; i < n[r]; i++) zero |= !(z[i] > 0);
          wrong += !(sums[r] <= sum && sums[r] >= sum) || memcmp(z, y + r * stride, n[r] * sizeof *z);
          wrong += left[r] != n[r] && left[r] != SIZE_MAX;
          wrong += zero && left[r] != SIZE_MAX;
          wrong += n[r] && !same_bits(most_of + r, max + r, sizeof *max);
          known += n[r] && left[r] == n[r];
          for (i = n[r]; i < stride; i++) {
            const hfy_real b = y[r * stride + i];
            wrong += !((b <= p[i] && b >= p[i]) || (b <= 0 && b >= 0 && i < most + 16));
          }
        }
        for (i = 0; !done && off < 1 && i < 4 * stride; i++)
          wrong += i % stride < n[i / stride] && !same_bits(y + i, x + i, sizeof *x);
        CHECK(!wrong);
      }
    }
  EACH_TABLE(simd, t) CHECK(!simd->softmax_rows || known > 100);
}

/* Told how many weights there are, what follows them is not looked at; where one query has gaps, it is told of zeros. */
TEST(combine_what_comes_first) {
  const hfy_simd_ *simd;
  enum { rows = 300, most = 150, nq = 21 };
  hfy_real *x = (hfy_real *)malloc(rows * most * sizeof *x), *w = (hfy_real *)malloc(nq * rows * sizeof *w);
  hfy_real *z = (hfy_real *)malloc(nq * most * sizeof *z), one[most], clean[rows];
  size_t t, i, j, round, dim, n, lead[nq];
  for (round = 0; round < 120; round++) {
    const int gaps = round % 3 == 2;
    dim = 1 + (round * 37) % most;
    n = 1 + (round * 61) % rows;
    for (i = 0; i < n * dim; i++) x[i] = normal();
    for (j = 0; j < nq; j++) {
      const size_t first = round % 4 == 0 ? hfy_base_min_(j + round, n) : round % 4 == 1 ? n - (j % 5 == 4) * (n / 2)
                         : round % 8 == 3 ? (j < 17 || j == 20) * n /* 5 of 8 at the edge, of which none may count twice */
                         : round % 8 == 7 && j < 8 ? 0 /* a batch without any */
                                          : (size_t)fabs((double)n * (double)normal()) % (n + 1);
      lead[j] = gaps && j % 6 == 1 ? SIZE_MAX : first;
      for (i = 0; i < n; i++) {
        w[j * n + i] = i < first ? (hfy_real)fabs((double)normal()) + (hfy_real)1e-6 : gaps ? (hfy_real)0 : quiet_nan();
        if (lead[j] == SIZE_MAX && i % 7 < 2) w[j * n + i] = 0;
      }
    }
    EACH_TABLE(simd, t)
    {
      int ok = 1, over;
      if (!simd->combine_first) continue;
      for (over = 0; over < 2; over++) {
        const hfy_real before = (hfy_real)(over ? 0.0 : -0.0);
        for (i = 0; i < nq * dim; i++) z[i] = over ? quiet_nan() : before;
        simd->combine_first(w, n, nq, x, dim, n, dim, z, dim, lead, over);
        for (j = 0; j < nq; j++) {
          for (i = 0; i < n; i++) clean[i] = i < lead[j] ? w[j * n + i] : (hfy_real)0;
          for (i = 0; i < dim; i++) one[i] = before;
          simd->combine(clean, n, 1, x, dim, n, dim, one, dim);
          ok &= same_bits(one, z + j * dim, dim * sizeof *one);
        }
      }
      CHECK(ok);
    }
  }
  free(x), free(w), free(z);
}
#endif
#endif

TEST(scale_values) {
  const hfy_simd_ *simd;
  enum { most = 140 };
  hfy_real *x = (hfy_real *)at_the_edge(most * sizeof *x), y[most];
  size_t t, n, i;
  for (n = 0; n <= most; n++) {
    hfy_real *p = x + (most - n);
    for (i = 0; i < n; i++) y[i] = normal();
    EACH_TABLE(simd, t)
    {
      int ok = 1;
      memcpy(p, y, n * sizeof *p);
      simd->scale(p, n, 1 / 3.0);
      for (i = 0; i < n; i++) ok &= p[i] == (hfy_real)((hfy_real)(1 / 3.0) * y[i]);
      CHECK(ok);
    }
  }
}

TEST(exp_special) {
  const hfy_simd_ *simd;
  size_t t, n, i;
  hfy_real *x = (hfy_real *)at_the_edge(140 * sizeof *x), y[140];
  EACH_TABLE(simd, t)
  {
    for (n = 1; n <= 70; n++) {
      hfy_real *p = x + (140 - n);
      int ok = 1;
      for (i = 0; i < n; i++)
        p[i] = i % 5 == 0   ? (hfy_real)-HUGE_VAL
               : i % 5 == 1 ? (hfy_real)HUGE_VAL
               : i % 5 == 2 ? quiet_nan()
               : i % 5 == 3 ? (hfy_real)(i % 2 ? 0.0 : -0.0)
                            : 1;
      for (i = 0; i < 140; i++) y[i] = 77;
      simd->exp(p, n, y);
      for (i = 0; i < 140; i++)
        ok &= i >= n        ? y[i] == 77
              : i % 5 == 0 ? y[i] == 0
              : i % 5 == 1 ? hfy_base_is_pos_inf_((double)y[i])
              : i % 5 == 2 ? hfy_base_is_nan_((double)y[i])
              : i % 5 == 3 ? y[i] == 1
                           : fabs((double)y[i] - 2.718281828459045) < 3 * REAL_EPS;
      CHECK(ok);
    }
  }
}

#ifndef HFY_DOUBLE
static float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* The largest error of y = e^x; 1e30 where one is infinite, NaN or zero and should not be (or the other way round). */
static double exp_error(const float *x, const float *y, size_t n) {
  double worst = 0;
  size_t i;
  for (i = 0; i < n; i++) {
    double want = exp((double)x[i]), u;
    if (hfy_base_is_nan_((double)x[i])) {
      u = hfy_base_is_nan_((double)y[i]) ? 0 : 1e30;
    } else if (want >= 3.4028235677973366e38) { /* rounds to infinity */
      u = hfy_base_is_pos_inf_((double)y[i]) ? 0 : 1e30;
    } else { /* 2^k ulp(want) from the exponent's bits */
      uint64_t exponent = (hfy_base_bits_(want) >> 52) & 2047, unit;
      double ulp;
      unit = exponent > 1023 - 126 ? exponent - 23 : 1023 - 149;
      unit <<= 52;
      memcpy(&ulp, &unit, sizeof ulp);
      u = fabs((double)y[i] - want) / ulp;
    }
    worst = u > worst ? u : worst;
  }
  return worst;
}

static float exp_x[65536], exp_y[65536];

/* Every stride-th float, all 2^32 with a stride of 1: at most 1 ulp. */
static void exp_sweep(uint64_t stride) {
  const hfy_simd_ *simd;
  uint64_t bits = 0;
  double worst[8] = {0};
  size_t t, n;
  while (bits < UINT64_C(0x100000000)) {
    for (n = 0; n < 65536 && bits < UINT64_C(0x100000000); n++, bits += stride) exp_x[n] = float_of((uint32_t)bits);
    EACH_TABLE(simd, t)
    {
      double u;
      simd->exp(exp_x, n, exp_y);
      u = exp_error(exp_x, exp_y, n);
      worst[t] = u > worst[t] ? u : worst[t];
    }
    if (stride == 1 && !(bits & 0xFFFFFFF)) printf("    %u of 16\n", (unsigned)(bits >> 28)), fflush(stdout);
  }
  EACH_TABLE(simd, t)
  {
    if (stride == 1) printf("    exp, %s: %.4f ulp\n", hfy_simd_text(simd->isa), worst[t]);
    CHECK(worst[t] <= 1.0);
  }
}

TEST(exp_sample) { exp_sweep(19997); }
TEST(exp_every_float) { exp_sweep(1); }
#else
TEST(exp_sample) {
  const hfy_simd_ *simd;
  static const double from[] = {-746, -709.5, -30, -1, -1e-10, 700, 709.7827}, to[] = {-707, -600, 30, 1, 1e-10, 709.7827, 709.783};
  double x[1000], y[1000];
  size_t t, i, k;
  for (k = 0; k < sizeof from / sizeof from[0]; k++) {
    for (i = 0; i < 1000; i++) x[i] = from[k] + (to[k] - from[k]) * hfy_rng_uniform(&dice);
    x[0] = from[k];
    x[1] = to[k];
    x[2] = 709.782712893384;
    x[3] = -708.3964185322641;
    x[4] = -708.3964185322642;
    x[5] = -745.1332191019412;
    x[6] = -745.1332191019411;
    x[7] = 709.7827128933841;
    EACH_TABLE(simd, t)
    {
      double worst = 0;
      int ok = 1;
      simd->exp(x, 1000, y);
      for (i = 0; i < 1000; i++) {
        long double want = expl((long double)x[i]);
        if (want > 1.7976931348623158e308L) {
          ok &= hfy_base_is_pos_inf_(y[i]);
        } else {
          double u = ulps(y[i], want);
          worst = u > worst ? u : worst;
        }
      }
      CHECK(ok);
      CHECK(worst <= 2);
    }
  }
}
TEST(exp_every_float) { printf("    (a test of float)\n"); }
#endif

TEST(below_values) {
  const hfy_simd_ *simd;
  static const double edges[] = {-1, 0, 0.25, 1, 5};
  enum { most = 140 };
  double *d = (double *)at_the_edge(most * sizeof *d), *c = (double *)at_the_edge(most * sizeof *c);
  size_t *index = (size_t *)at_the_edge(most * sizeof *index), t, n, i, k;
  for (n = 0; n <= most; n++)
    for (k = 0; k < sizeof edges / sizeof edges[0]; k++) {
      double *p = d + (most - n), *pc = c + (most - n), t_edge = edges[k];
      size_t *pi = index + (most - n), count = 0;
      long double sum = 0, square = 0;
      for (i = 0; i < n; i++) {
        p[i] = floor(8 * 1.4 * hfy_rng_uniform(&dice)) / 8; /* some on the edge */
        if (i % 5 == 4) p[i] += 0.01 * hfy_rng_uniform(&dice);
        if (p[i] < t_edge) {
          count++;
          sum += (long double)(t_edge - p[i]);
          square += (long double)(t_edge - p[i]) * (t_edge - p[i]);
        }
      }
      EACH_TABLE(simd, t)
      {
        double sums[3] = {7, 7, 7};
        int ok = 1;
        simd->below(p, n, t_edge, sums);
        CHECK(sums[0] == (double)count);
        CHECK_NEAR(sums[1], sum, 1e-15);
        CHECK_NEAR(sums[2], square, 1e-15);
        for (i = 0; i < n; i++) {
          pc[i] = p[i];
          pi[i] = 3 * i + 1;
        }
        CHECK(simd->keep_below(pc, pi, n, t_edge) == count);
        for (i = count = 0; i < n; i++)
          if (p[i] < t_edge) ok &= pc[count] == p[i] && pi[count] == 3 * i + 1, count++;
        CHECK(ok);
      }
    }
}

TEST(powers_values) {
  const hfy_simd_ *simd;
  static const double us[] = {0, 1e-300, 1e-12, 0.01, 0.5, 0.97, 1, 3, -1e-9, -0.5, -40, -1e200};
  static const double es[] = {1, 2, 0.5, 1e-3, 1.0 / 3, 7, 50, 1000, -1, -3.5, 0};
  enum { most = 70 };
  double *d = (double *)at_the_edge(most * sizeof *d), *p = (double *)at_the_edge(most * sizeof *p);
  size_t t, n, i, a, b;
  for (n = 0; n <= most; n += n < 20 ? 1 : 10)
    for (a = 0; a < sizeof us / sizeof us[0]; a++)
      for (b = 0; b < sizeof es / sizeof es[0]; b++) {
        double *pd = d + (most - n), *pp = p + (most - n), u = us[a], e = es[b];
        for (i = 0; i < n; i++) pd[i] = i ? 1.7 * hfy_rng_uniform(&dice) : 0;
        EACH_TABLE(simd, t)
        {
          double sums[2] = {7, 7};
          long double sum = 0, slope = 0;
          int ok = 1;
          simd->powers(pd, n, u, e, pp, sums);
          for (i = 0; i < n; i++) {
            long double base = 1 - (long double)u * pd[i];
            long double steep = e * log1pl(-(long double)u * pd[i]), want = base > 0 ? expl(steep) : 0;
            if (base > 0 && base < 1e-6L) { /* too near zero for a digit to be meant */
              sum += (long double)pp[i];
              slope += pp[i] > 0 ? (long double)pp[i] / base : 0;
              continue;
            }
            if (want < 1e-300L)
              ok &= pp[i] >= 0 && pp[i] <= 1.01e-300;
            else if (want > 1.7e308L)
              ok &= pp[i] > 1.69e308;
            else
              ok &= fabs((double)((long double)pp[i] - want)) <=
                    (double)want * (1e-15 * (1 + fabs(e) * (double)(1 + (base < 1 ? 1 / base : 1)) +
                                             fabs((double)steep)));
            sum += (long double)pp[i];
            if (pp[i] > 0) slope += (long double)pp[i] / base;
          }
          CHECK(ok);
          if (sum < 1e300L) CHECK(fabsl((long double)sums[0] - sum) <= 1e-14L * sum);
          if (slope < 1e290L && u < 0.9) CHECK(fabsl((long double)sums[1] - slope) <= 1e-13L * slope);
          memcpy(pp, pd, n * sizeof *pp); /* in place */
          {
            double again[2];
            simd->powers(pp, n, u, e, pp, again);
            CHECK(same_bits(again, sums, sizeof sums));
          }
        }
      }
}

TEST(clip_values) {
  const hfy_simd_ *simd;
  static const double caps[] = {0.3, 1, HUGE_VAL};
  enum { most = 70 };
  double *v = (double *)at_the_edge(most * sizeof *v), *low = (double *)at_the_edge(most * sizeof *low);
  double *high = (double *)at_the_edge(most * sizeof *high);
  size_t t, n, i, c, bounds;
  for (n = 0; n <= most; n++)
    for (c = 0; c < sizeof caps / sizeof caps[0]; c++)
      for (bounds = 0; bounds < 4; bounds++) {
        double *pv = v + (most - n), *pl = low + (most - n), *ph = high + (most - n);
        const double tau = 0.125 * (double)(n % 5);
        long double sum = 0;
        size_t between = 0;
        for (i = 0; i < n; i++) {
          double l, h, y;
          pv[i] = floor(16 * (2 * hfy_rng_uniform(&dice) - 0.5)) / 16; /* some on a bound */
          pl[i] = floor(16 * 0.3 * hfy_rng_uniform(&dice)) / 16;
          ph[i] = pl[i] + floor(16 * 0.5 * hfy_rng_uniform(&dice)) / 16;
          l = bounds & 1 ? pl[i] : 0;
          h = bounds & 2 ? ph[i] : caps[c];
          y = pv[i] - tau;
          between += y > l && y < h;
          sum += (long double)(y < l ? l : y > h ? h : y);
        }
        EACH_TABLE(simd, t)
        {
          double sums[2] = {7, 7};
          simd->clip(pv, bounds & 1 ? pl : NULL, bounds & 2 ? ph : NULL, caps[c], n, tau, sums);
          CHECK_NEAR(sums[0], sum, 1e-14);
          CHECK_EQ(sums[1], between);
        }
      }
}

/* The vector kernels agree with the scalar definition but for rounding, on one common set of data. */
/* Elementwise kernels: the same bits from every instruction set, and from the definition. */
TEST(scale_mix_apart_values) {
  enum { most = 70 };
  const hfy_simd_ *simd;
  hfy_real *y = (hfy_real *)at_the_edge(most * sizeof *y), *x = (hfy_real *)at_the_edge(most * sizeof *x);
  hfy_real start[most], want[most];
  size_t n, i, t, round;
  for (n = 0; n <= most; n++)
    for (round = 0; round < 4; round++) {
      hfy_real *py = y + (most - n), *px = x + (most - n);
      const double a = round == 3 ? 1 : exp(hfy_rng_normal(&dice)), b = round == 2 ? 1 : hfy_rng_normal(&dice);
      double apart = 0;
      for (i = 0; i < n; i++) {
        start[i] = normal();
        px[i] = round == 1 && i % 3 == 0 ? start[i] : normal();
        if (round == 2 && i % 5 == 1) {
          start[i] = (hfy_real)-0.0;
          px[i] = (hfy_real)(i % 2 ? 0.0 : -0.0);
        }
      }
      EACH_TABLE(simd, t)
      {
        for (i = 0; i < n; i++) want[i] = (hfy_real)(a * (double)start[i]);
        memcpy(py, start, n * sizeof *py);
        simd->scale_once(py, n, a);
        CHECK(same_bits(py, want, n * sizeof *py));
        for (i = 0; i < n; i++) {
          volatile double u = a * (double)start[i], v = b * (double)px[i];
          want[i] = (hfy_real)(u + v);
        }
        memcpy(py, start, n * sizeof *py);
        simd->mix(py, px, n, a, b);
        for (i = 0; simd->isa == HFY_ISA_SCALAR && i < n; i++) { /* a compiler may fuse either product there */
          const double u = a * (double)start[i], v = b * (double)px[i];
          const hfy_real one = (hfy_real)fma(a, (double)start[i], v), two = (hfy_real)fma(b, (double)px[i], u);
          if (same_bits(py + i, &one, sizeof one)) want[i] = one;
          if (same_bits(py + i, &two, sizeof two)) want[i] = two;
        }
        CHECK(same_bits(py, want, n * sizeof *py));
        for (i = 0, apart = 0; i < n; i++)
          if (fabs((double)start[i] - (double)px[i]) > apart) apart = fabs((double)start[i] - (double)px[i]);
        memcpy(py, start, n * sizeof *py);
        CHECK_EQ(simd->apart(py, px, n), apart);
        CHECK_EQ(simd->apart(px, py, n), apart);
        if (n > 1) { /* a NaN hides nothing, wherever it stands */
          size_t at = (round * 7) % n, biggest = n - 1 - at == at ? at - 1 : n - 1 - at;
          memcpy(py, px, n * sizeof *py);
          py[at] = quiet_nan();
          py[biggest] = px[biggest] + 8;
          apart = (double)py[biggest] - (double)px[biggest];
          CHECK_EQ(simd->apart(py, px, n), apart);
        }
      }
    }
}

TEST(tilt_values) {
  enum { most = 70 };
  const hfy_simd_ *simd;
  hfy_real *p = (hfy_real *)at_the_edge(most * sizeof *p), *v = (hfy_real *)at_the_edge(most * sizeof *v);
  hfy_real weight[most], slope[most], got[most];
  long double want[most];
  size_t n, i, t, k, round;
  for (n = 1; n <= most; n++)
    for (round = 0; round < 4; round++) { /* of any weights; some are 0, with NaN beside; one has nearly all; none */
      long double sum = 0, mean = 0;
      hfy_real *pp = p + (most - n), *pv = v + (most - n);
      for (i = 0, k = 0; i < n; i++) {
        weight[i] = (hfy_real)(round == 3 ? 0 : hfy_rng_uniform(&dice) * (round == 2 ? 1e-9 : 1));
        if (round == 1 && i % 3 == 1) weight[i] = 0;
        slope[i] = weight[i] > 0 ? normal() + (hfy_real)100 : quiet_nan();
      }
      if (round == 2) weight[n / 2] = 1;
      for (i = 0; i < n; i++) k = weight[i] > weight[k] ? i : k;
      for (i = 0; i < n; i++) {
        sum += (long double)weight[i];
        if (weight[i] > 0) mean += (long double)weight[i] * ((long double)slope[i] - (long double)slope[k]);
      }
      mean /= sum;
      for (i = 0; i < n; i++)
        want[i] = weight[i] > 0
                    ? (long double)weight[i] * ((long double)slope[i] - (long double)slope[k] - mean)
                    : 0;
      EACH_TABLE(simd, t)
      {
        memcpy(pp, weight, n * sizeof *pp);
        memcpy(pv, slope, n * sizeof *pv);
        simd->tilt(pp, pv, n, pv);
        memcpy(got, pv, n * sizeof *pv);
        for (i = 0; i < n; i++)
          CHECK(fabs((double)((long double)got[i] - want[i])) <=
                REAL_EPS * fabs((double)want[i]) + 64 * DBL_EPSILON * (double)weight[i]);
        memcpy(pv, slope, n * sizeof *pv);
        simd->tilt(pp, pv, n, pp); /* in the place of either */
        CHECK(same_bits(pp, got, n * sizeof *pp));
      }
    }
}

#if !defined(__OPTIMIZE_SIZE__) && (!defined(HFY_ONLY_NET) || defined(HFY_ONLY_LAYER))
#define HAS_SLOPES
/* Softmax and the slope along v at once, within the roundings of hfy_real; nothing where the largest is not finite. */
TEST(slope_values) {
  enum { most = 140 };
  const hfy_simd_ *simd;
  hfy_real *x = (hfy_real *)at_the_edge(most * sizeof *x), *v = (hfy_real *)at_the_edge(most * sizeof *v);
  hfy_real theta[most], along[most];
  size_t n, i, t, k, round;
  for (n = 1; n <= most; n++)
    for (round = 0; round < 4; round++) { /* all count; some are masked, with NaN beside; one has nearly all; one sick */
      long double sum = 0, mean = 0, spread = 0;
      hfy_real *px = x + (most - n), *pv = v + (most - n);
      for (i = 0, k = 0; i < n; i++) {
        theta[i] = (hfy_real)(normal() * 2 - 3);
        along[i] = normal() + (hfy_real)(n % 2 ? 100 : -100);
        if (round == 1 && i % 3 == 1) theta[i] = -(hfy_real)HUGE_VAL;
        if (round == 1 && i % 3 == 1) along[i] = quiet_nan();
      }
      if (round == 2) theta[n / 2] = 14;
      for (i = 0; i < n; i++) k = theta[i] > theta[k] ? i : k;
      if (round == 3) theta[n - 1] = n % 3 ? n % 3 == 1 ? quiet_nan() : (hfy_real)HUGE_VAL : -(hfy_real)HUGE_VAL;
      for (i = 0; i < n && round == 3 && n % 3 == 0; i++) theta[i] = theta[n - 1];
      for (i = 0; i < n; i++) {
        const long double e = expl((long double)theta[i] - (long double)theta[k]);
        sum += e;
        if (e > 0) mean += e * ((long double)along[i] - (long double)along[k]);
        if (e > 0) spread += e * fabsl((long double)along[i] - (long double)along[k]);
      }
      EACH_TABLE(simd, t)
      {
        if (!simd->slope) continue;
        memcpy(px, theta, n * sizeof *px);
        memcpy(pv, along, n * sizeof *pv);
        CHECK(simd->slope(px, pv, n) == (round < 3));
        if (round == 3) CHECK(same_bits(px, theta, n * sizeof *px) && same_bits(pv, along, n * sizeof *pv));
        for (i = 0; round < 3 && i < n; i++) {
          const long double p = expl((long double)theta[i] - (long double)theta[k]) / sum;
          const long double d = p > 0 ? (long double)along[i] - (long double)along[k] : 0;
          CHECK(fabsl((long double)px[i] - p) <= 4 * (long double)REAL_EPS * p);
          CHECK(fabsl((long double)pv[i] - p * (d - mean / sum)) <=
                8 * (long double)REAL_EPS * p * (fabsl(d) + spread / sum));
        }
      }
    }
}
#endif

TEST(signs_values) {
  enum { most = 200 };
  const hfy_simd_ *simd;
  double *h = (double *)at_the_edge(most * sizeof *h), *width = (double *)at_the_edge(most * sizeof *width);
  size_t n, i, t;
  for (n = 0; n <= most; n++) {
    double *ph = h + (most - n), *pw = width + (most - n);
    uint64_t want[4] = {0, 0, 0, 0};
    size_t clear = 0;
    for (i = 0; i < n; i++) {
      ph[i] = i % 9 == 4 ? (i % 2 ? 0.0 : -0.0) : i % 31 == 30 ? (double)quiet_nan() : hfy_rng_normal(&dice);
      pw[i] = i % 13 == 5 ? 2 * fabs(ph[i]) : hfy_rng_uniform(&dice); /* some on the edge: not above it */
      want[i / 64] |= (uint64_t)(ph[i] > 0) << (i % 64);
      clear += fabs(ph[i]) > 0.5 * pw[i];
    }
    EACH_TABLE(simd, t)
    {
      uint64_t bits[5] = {7, 7, 7, 7, 7};
      CHECK_EQ(simd->signs(ph, pw, 0.5, n, bits), clear);
      CHECK(same_bits(bits, want, (n + 63) / 64 * sizeof *bits));
      CHECK(bits[(n + 63) / 64] == 7);
    }
  }
}

TEST(agree_with_scalar) {
  enum { rows = 40, nq = 5, dim = 200 };
  static hfy_real x[rows * dim], q[nq * dim], a[rows * nq], b[rows * nq], za[nq * dim], zb[nq * dim];
  const hfy_simd_ *simd, *scalar = hfy_simd_of_(HFY_ISA_SCALAR);
  size_t t, i;
  int kind;
  for (i = 0; i < rows * dim; i++) x[i] = normal();
  for (i = 0; i < nq * dim; i++) q[i] = normal();
  EACH_TABLE(simd, t)
  {
    for (kind = 0; kind < 3; kind++) {
      pairs_of(scalar, kind)(x, dim, rows, q, dim, nq, dim, a, rows);
      pairs_of(simd, kind)(x, dim, rows, q, dim, nq, dim, b, rows);
      for (i = 0; i < rows * nq; i++) CHECK(fabs((double)a[i] - (double)b[i]) <= 16 * dim * REAL_EPS);
    }
    for (i = 0; i < nq * dim; i++) za[i] = zb[i] = (hfy_real)-0.0;
    scalar->combine(a, rows, nq, x, dim, rows, dim, za, dim);
    simd->combine(a, rows, nq, x, dim, rows, dim, zb, dim);
    for (i = 0; i < nq * dim; i++) CHECK_NEAR(zb[i], za[i], 4000 * REAL_EPS);
  }
}

TEST(choice) {
  hfy_work work;
  size_t t, known = 0;
  memset(&work, 0, sizeof work);
  CHECK(hfy_simd_isa(NULL) == hfy_simd_of_(HFY_ISA_BEST)->isa);
  CHECK(hfy_simd_isa(&work) == hfy_simd_of_(HFY_ISA_BEST)->isa);
  CHECK(hfy_simd_of_(HFY_ISA_SCALAR) != NULL);
  for (t = 0; t < tables; t++) {
    work.isa = table[t]->isa;
    CHECK(hfy_simd_isa(&work) == table[t]->isa);
    known++;
  }
  CHECK(known >= 1);
  work.isa = (hfy_isa)77;
  CHECK(hfy_simd_choose_(&work) == NULL);
  CHECK_CONTAINS(work.message, "work->isa is unknown");
#if defined(__x86_64__) && !defined(HFY_NO_SIMD) && !defined(HFY_ISAS) && !defined(__AVX2__) && defined(__GNUC__)
  CHECK(hfy_simd_of_(HFY_ISA_SSE2) != NULL);
  CHECK(hfy_simd_of_(HFY_ISA_NEON) == NULL);
#endif
#if defined(__aarch64__) && !defined(HFY_NO_SIMD) && defined(__GNUC__)
  CHECK(hfy_simd_of_(HFY_ISA_NEON) != NULL);
#endif
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  dice = hfy_rng_seed(20);
  find_tables();
  RUN(choice);
  RUN(pair_values);
  RUN(pair_tiles);
  RUN(pair_blocks);
  RUN(pair_turned);
  RUN(pair_nonfinite);
  RUN(combine_values);
  RUN(combine_tiles);
  RUN(combine_causal);
  RUN(combine_copies);
  RUN(max_values);
  RUN(window_values);
  RUN(softmax_values);
  RUN(softmax_cut);
  RUN(softmax_sums);
#ifndef HFY_DOUBLE
  RUN(softmax_of_late_scores);
  RUN(softmax_of_the_largest_scores);
#ifndef __OPTIMIZE_SIZE__
  RUN(softmax_of_four_rows);
  RUN(combine_what_comes_first);
#endif
#endif
  RUN(scale_values);
  RUN(exp_special);
  RUN(exp_sample);
  if (!strcmp(check_filter, "exp_every_float")) RUN(exp_every_float);
  RUN(below_values);
  RUN(powers_values);
  RUN(clip_values);
  RUN(scale_mix_apart_values);
  RUN(tilt_values);
#ifdef HAS_SLOPES
  RUN(slope_values);
#endif
  RUN(signs_values);
  RUN(agree_with_scalar);
  return CHECK_END();
}
