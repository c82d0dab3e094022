/* check.h: the tests' own small harness. A test file includes it, writes TEST(name) { ... } functions and ends with

       int main(int argc, char **argv)
       {
           CHECK_BEGIN(argc, argv);
           RUN(name);
           return CHECK_END();
       }

   A test fails if any CHECK in it fails; the first few failures of each are printed with file and line. An argument on the
   command line runs only the tests whose names contain it. The last line printed is `FILE: N passed, N failed`. */
#ifndef CHECK_H
#define CHECK_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HFY_DOUBLE
#define CHECK_PRECISION "double"
#define REAL_EPS 2.220446049250313e-16
#define REAL_MAX DBL_MAX
#else
#define CHECK_PRECISION "float"
#define REAL_EPS 1.1920928955078125e-07
#define REAL_MAX ((double)FLT_MAX)
#endif

#if defined(__GNUC__)
#define CHECK_UNUSED __attribute__((unused))
#else
#define CHECK_UNUSED
#endif

static CHECK_UNUSED int check_passed, check_failed, check_errors;
static CHECK_UNUSED const char *check_test = "", *check_filter = "";

static CHECK_UNUSED int check_report(int ok, const char *file, int line, const char *what) {
  if (!ok && ++check_errors <= 5) printf("    %s:%d: in %s: %s\n", file, line, check_test, what);
#ifdef CHECK_STOP /* mutants.py has seen enough */
  if (!ok) exit(1);
#endif
  return ok;
}

static CHECK_UNUSED int check_near(double got, double want, double tol, const char *file, int line, const char *what) {
  /* |got - want| <= tol max(1, |want|); equal infinities are near, NaN is near nothing */
  double size = fabs(want) > 1 ? fabs(want) : 1;
  int ok = got == want || fabs(got - want) <= tol * size;
  char text[300];
  if (ok) return 1;
  snprintf(text, sizeof text, "%s is %.17g, want %.17g (off by %.3g, tolerance %.3g)", what, got, want,
           fabs(got - want), tol * size);
  return check_report(0, file, line, text);
}

static CHECK_UNUSED int check_string(const char *text, const char *part, const char *file, int line) {
  char words[500];
  if (strstr(text, part)) return 1;
  snprintf(words, sizeof words, "\"%.200s\" does not contain \"%.200s\"", text, part);
  return check_report(0, file, line, words);
}

#define CHECK(condition) check_report(!!(condition), __FILE__, __LINE__, #condition)
#define CHECK_NEAR(got, want, tol) check_near((double)(got), (double)(want), (double)(tol), __FILE__, __LINE__, #got)
#define CHECK_EQ(got, want) check_near((double)(got), (double)(want), 0.0, __FILE__, __LINE__, #got)
#define CHECK_CONTAINS(text, part) check_string(text, part, __FILE__, __LINE__)
/* expression returns this status, and the message of the work names the argument (part of it is given) */
#define CHECK_FAILS(expression, status, work, part) \
  (CHECK((expression) == (status)), check_string((work)->message, part, __FILE__, __LINE__))

#ifndef CHECK_FILE /* of a test that is another one, built otherwise */
#define CHECK_FILE __FILE__
#endif

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Cases that go the same ways in either precision are shared out between them: is the i-th this one's? Under sanitizers
   and emulators (-DCHECK_SLOW) long tests take each FEWER-th of their cases. */
#ifdef CHECK_SLOW
#define FEWER 6u
#define SHARES 6u
#else
#define FEWER 1u
#define SHARES 2u
#endif
#ifdef HFY_DOUBLE
#define MINE(i) ((unsigned)(i) % SHARES == 1)
#else
#define MINE(i) ((unsigned)(i) % SHARES == 0)
#endif

#ifdef HFY_H /* for files that include hfy.h first */
/* like a normal number to who only wants rows of all sizes, without its logarithm and cosine */
static CHECK_UNUSED double bell(hfy_rng *rng) {
  const uint64_t u = hfy_rng_u64(rng);
  const double sum = (double)(u & 0xffff) + (double)(u >> 16 & 0xffff) + (double)(u >> 32 & 0xffff) + (double)(u >> 48);
  return sum * (1.7320508 / 65536) - 2 * 1.7320508;
}

static CHECK_UNUSED void normals(hfy_rng *rng, hfy_real *x, size_t n, double scale) {
  size_t i;
  for (i = 0; i < n; i++) x[i] = (hfy_real)(scale * hfy_rng_normal(rng));
}

static CHECK_UNUSED size_t below(hfy_rng *rng, size_t n) { return (size_t)(hfy_rng_u64(rng) % n); }

static CHECK_UNUSED void fill(hfy_real *x, size_t n, double value) {
  size_t i;
  for (i = 0; i < n; i++) x[i] = (hfy_real)value;
}

static CHECK_UNUSED int all_are(const hfy_real *x, size_t n, double value) {
  size_t i;
  for (i = 0; i < n; i++)
    if ((double)x[i] < value || (double)x[i] > value) return 0;
  return 1;
}

static CHECK_UNUSED int same_bits(const void *a, const void *b, size_t bytes) { return memcmp(a, b, bytes) == 0; }

static CHECK_UNUSED hfy_real not_a_number(void) {
  hfy_real inf = (hfy_real)HUGE_VAL;
  return inf - inf;
}
#endif

#define TEST(name) static void name(void)
#define RUN(name)                                                          \
  do {                                                                     \
    if (!strstr(#name, check_filter)) break;                               \
    check_test = #name, check_errors = 0;                                  \
    name();                                                                \
    if (check_errors)                                                      \
      check_failed++, printf("  FAIL %s (%s)\n", #name, CHECK_PRECISION);       \
    else                                                                   \
      check_passed++;                                                      \
  } while (0)
/* what is double in every build is tested in one of them; LONG: not where a look is slow and others reach the same */
#ifdef HFY_DOUBLE
#define RUN_ONCE(name) (void)name
#else
#define RUN_ONCE(name) RUN(name)
#endif
#ifdef CHECK_SLOW
#define RUN_LONG(name) (void)name
#else
#define RUN_LONG(name) RUN_ONCE(name)
#endif
#define CHECK_BEGIN(argc, argv) (check_filter = (argc) > 1 ? (argv)[1] : "")
#define CHECK_END()                                                                                                  \
  (printf("%s (%s): %d passed, %d failed\n", CHECK_FILE, CHECK_PRECISION, check_passed, check_failed), check_failed != 0)

#endif
