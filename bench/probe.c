/* probe.c: what belongs to no library: loops that call a CBLAS function many times without an interpreter in between (the
 * same loop for every library), and the machine's own rates: multiply-adds and reading. */
#include <stddef.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#define PRODUCT(letter, real)                                                                                           \
  typedef void letter##gemm(int, int, int, int, int, int, real, const real *, int, const real *, int, real, real *, int);   \
  typedef void letter##gemv(int, int, int, int, real, const real *, int, const real *, int, real, real *, int);         \
  void loop_##letter##gemm(long times, letter##gemm *f, int ta, int tb, int m, int n, int k, const real *a, int lda,    \
                           const real *b, int ldb, real *c, int ldc)                                                    \
  {                                                                                                                     \
    while (times--) f(101, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, c, ldc);                                              \
  }                                                                                                                     \
  void loop_##letter##gemv(long times, letter##gemv *f, int ta, int m, int n, const real *a, int lda, const real *x, real *y)   \
  {                                                                                                                     \
    while (times--) f(101, ta, m, n, 1, a, lda, x, 1, 0, y, 1);                                                         \
  }
PRODUCT(s, float)
PRODUCT(d, double)

/* --- the machine --- */

/* Twelve chains of multiply-adds; the compiler fuses them where the target can. Returns operations made. */
#define CHAINS(name, attribute, bytes)                                                                                  \
  typedef float name##_v __attribute__((vector_size(bytes), aligned(4)));                                               \
  attribute static double name(long n, volatile float *sink)                                                            \
  {                                                                                                                     \
    name##_v x0 = {1}, x1 = {2}, x2 = {3}, x3 = {4}, x4 = {5}, x5 = {6}, x6 = {7}, x7 = {8}, x8 = {9}, x9 = {10},       \
               x10 = {11}, x11 = {12}, a = x0 - x0 + 0.999999f, b = x0 - x0 + 1e-7f;                                    \
    long i;                                                                                                             \
    for (i = 0; i < n; i++) {                                                                                           \
      x0 = x0 * a + b, x1 = x1 * a + b, x2 = x2 * a + b, x3 = x3 * a + b, x4 = x4 * a + b, x5 = x5 * a + b;             \
      x6 = x6 * a + b, x7 = x7 * a + b, x8 = x8 * a + b, x9 = x9 * a + b, x10 = x10 * a + b, x11 = x11 * a + b;         \
    }                                                                                                                   \
    x0 += x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + x10 + x11;                                                       \
    *sink = x0[0];                                                                                                      \
    return (double)n * 12 * 2 * (bytes) / 4;                                                                            \
  }                                                                                                                     \
  attribute static float name##_read(const float *p, size_t n)                                                          \
  {                                                                                                                     \
    enum { lanes = (bytes) / 4 };                                                                                       \
    name##_v s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};                                                                    \
    size_t i, quarter = n / 4 / lanes * lanes;                                                                          \
    for (i = 0; i < quarter; i += lanes) {                                                                              \
      s0 += *(const name##_v *)(p + i), s1 += *(const name##_v *)(p + quarter + i);                                     \
      s2 += *(const name##_v *)(p + 2 * quarter + i), s3 += *(const name##_v *)(p + 3 * quarter + i);                   \
    }                                                                                                                   \
    s0 += s1 + s2 + s3;                                                                                                 \
    return s0[0];                                                                                                       \
  }
CHAINS(chains_16, , 16)
#if defined(__x86_64__)
CHAINS(chains_32, __attribute__((target("avx2,fma"))), 32)
CHAINS(chains_64, __attribute__((target("avx512f,fma"))), 64)
#endif

static volatile float sink[64];

/* n rounds of the chains on each thread, in vectors of `bytes`; returns operations made in all. */
double probe_flops(long n, int bytes, int threads) {
  double made = 0;
  int t;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) reduction(+ : made)
#endif
  for (t = 0; t < threads; t++) {
    volatile float *out = sink + t % 4 * 16;
#if defined(__x86_64__)
    made += bytes == 64 ? chains_64(n, out) : bytes == 32 ? chains_32(n, out) : chains_16(n, out);
#else
    made += chains_16(n, out);
#endif
  }
  return made;
}

/* Reads n floats once, shared among the threads, each in four streams. */
void probe_read(const float *p, size_t n, int bytes, int threads) {
  int t;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads)
#endif
  for (t = 0; t < threads; t++) {
    size_t share = n / (size_t)threads;
    const float *from = p + (size_t)t * share;
    volatile float *out = sink + t % 4 * 16;
#if defined(__x86_64__)
    *out = bytes >= 32 ? chains_32_read(from, share) : chains_16_read(from, share);
#else
    *out = chains_16_read(from, share);
#endif
  }
  (void)bytes;
}
