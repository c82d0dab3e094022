/* fuzz.h: what the fuzz targets share: choices and numbers out of raw bytes, the rule that every call has to keep, and
   what runs them. A target includes it and writes `static void fuzz(void)`, one execution. Built with clang's
   -fsanitize=fuzzer and -DFUZZ_GUIDED libFuzzer runs it; else a main that takes the same words: files of inputs, or
   -runs=N pseudo-random ones (-max_total_time=SECONDS, -seed=S). */
#ifndef FUZZ_H
#define FUZZ_H

#define HFY_STATIC /* what no target reaches is not compiled */
#define HFY_IMPLEMENTATION
#include "../../hfy.h"

#include <signal.h>
#include <time.h>

static const unsigned char *fuzz_at;
static size_t fuzz_left;
static int fuzz_aside; /* 1: the input's bytes are kept for later */
static hfy_rng fuzz_tail, fuzz_any;
static hfy_work fuzz_work;

static uint64_t fuzz_own(hfy_rng *rng) { return hfy_rng_u64(rng); }

/* The next bytes of the input; beyond its end those of a generator that its first two bytes seed. */
static uint64_t fuzz_bits(size_t bytes) {
  uint64_t bits = 0;
  size_t i;
  if (fuzz_aside || fuzz_left < bytes) return fuzz_own(&fuzz_tail) >> (64 - 8 * bytes);
  for (i = 0; i < bytes; i++) bits = bits << 8 | fuzz_at[i];
  fuzz_at += bytes, fuzz_left -= bytes;
  return bits;
}
static size_t fuzz_below(size_t n) { return n < 2 ? 0 : (size_t)(fuzz_bits(n <= 256 ? 1 : n <= 65536 ? 2 : 8) % n); }
static double fuzz_uniform(void) { return (double)(fuzz_bits(4) << 21) * (1.0 / 9007199254740992.0); }

/* Test files that a target includes draw what it does: choices are the input's, normals the generator's. */
static double fuzz_normal(void) { return hfy_rng_normal(&fuzz_tail); }
#undef hfy_rng_u64 /* in double they are macros */
#undef hfy_rng_uniform
#undef hfy_rng_normal
#undef hfy_rng_sign
#define hfy_rng_u64(rng) ((void)(rng), fuzz_bits(8))
#define hfy_rng_uniform(rng) ((void)(rng), fuzz_uniform())
#define hfy_rng_normal(rng) ((void)(rng), fuzz_normal())
#define hfy_rng_sign(rng) ((void)(rng), fuzz_bits(1) & 1 ? 1.0 : -1.0)
#include "../check.h"
#define below(rng, n) ((void)(rng), fuzz_below(n))

/* A number in one of several styles: normal, small and whole, of all bits, of any size, at the edges. */
enum { NORMAL, WHOLE, BITS_OF, SIZES, AT_EDGES, FUZZ_STYLES };
static CHECK_UNUSED double fuzz_number(size_t style) {
  static const double edge[] = {0,    -0.0,    1,       -1,     0.5,    1e-30, 1e30,
                                1e19, DBL_MAX, DBL_MIN, 5e-324, 3.4e38, 1e-45, HUGE_VAL};
  uint64_t bits;
  double x;
  if (style == WHOLE) return (double)fuzz_bits(1) / 4 - 32;
  if (style == SIZES) return ldexp((double)fuzz_bits(1) - 128, (int)fuzz_below(256) - 128);
  if (style == AT_EDGES) return edge[fuzz_below(COUNT(edge))];
  if (style == NORMAL) return fuzz_normal();
  bits = fuzz_bits(8);
  memcpy(&x, &bits, sizeof x);
  return x;
}
static CHECK_UNUSED hfy_real fuzz_real(size_t style) {
  const double x = fuzz_number(style);
  const uint32_t bits = style == BITS_OF && sizeof(hfy_real) == 4 ? (uint32_t)hfy_base_bits_(x) : 0;
  float f;
  memcpy(&f, &bits, sizeof f);
  if (bits) return (hfy_real)f;
  return fabs(x) > REAL_MAX ? (hfy_real)(x > 0 ? HUGE_VAL : -HUGE_VAL) : (hfy_real)x;
}
/* Rows in one style, then a few entries in any other. Sound: normals alone. */
static CHECK_UNUSED void fuzz_row(hfy_real *x, size_t n, int sound) {
  const size_t style = sound ? NORMAL : fuzz_below(FUZZ_STYLES + 3);
  size_t i, edits = sound ? 0 : fuzz_below(4);
  fuzz_aside = n > 64;
  for (i = 0; i < n; i++) x[i] = fuzz_real(style < FUZZ_STYLES ? style : NORMAL);
  fuzz_aside = 0;
  for (i = 0; i < edits && n; i++) x[fuzz_below(n)] = fuzz_real(fuzz_below(FUZZ_STYLES));
}
/* A parameter: 0, plain or anything. */
static CHECK_UNUSED double fuzz_parameter(void) {
  const size_t way = fuzz_below(8);
  return way < 3   ? 0
         : way < 6 ? 3 * fuzz_uniform()
         : way < 7 ? fabs(fuzz_number(WHOLE))
                   : fuzz_number(fuzz_below(FUZZ_STYLES));
}

/* Memory for one execution, of just this size; outputs are filled with a sentinel and known to fuzz_kept(). */
static void *fuzz_blocks[128];
static size_t fuzz_block, fuzz_outputs, fuzz_output_at[32], fuzz_bytes[128];
static CHECK_UNUSED void *fuzz_room(size_t bytes) {
  if (fuzz_block == COUNT(fuzz_blocks)) abort();
  fuzz_bytes[fuzz_block] = bytes;
  return fuzz_blocks[fuzz_block++] = malloc(bytes ? bytes : 1);
}
static CHECK_UNUSED void *fuzz_output(size_t bytes) {
  if (fuzz_outputs == COUNT(fuzz_output_at)) abort();
  fuzz_output_at[fuzz_outputs++] = fuzz_block;
  return memset(fuzz_room(bytes), 0x44, bytes); /* no NaN */
}
static CHECK_UNUSED hfy_real *fuzz_reals(size_t n, int sound) {
  hfy_real *x = (hfy_real *)fuzz_room(n * sizeof *x);
  fuzz_row(x, n, sound);
  return x;
}
static CHECK_UNUSED int fuzz_finite_reals(const hfy_real *x, size_t n) {
  size_t i;
  for (i = 0; i < n && fabs((double)x[i]) <= REAL_MAX;) i++;
  return i == n;
}
static CHECK_UNUSED int fuzz_finite(const double *x, size_t n) {
  size_t i;
  for (i = 0; i < n && fabs(x[i]) <= DBL_MAX;) i++;
  return i == n;
}

/* The rule: OK has no message; anything else has one, and outputs are what they were. From here on there are none. */
static CHECK_UNUSED int fuzz_kept(const char *what, hfy_status status) {
  size_t i, at;
  int fine = (unsigned)status <= HFY_ERR_FORMAT && (status == HFY_OK) == !fuzz_work.message[0];
  for (i = 0; i < fuzz_outputs && status; i++)
    for (at = 0; at < fuzz_bytes[fuzz_output_at[i]]; at++)
      fine &= ((const unsigned char *)fuzz_blocks[fuzz_output_at[i]])[at] == 0x44;
  if (!CHECK(fine)) printf("      (%s: %d %s)\n", what, (int)status, fuzz_work.message);
  fuzz_outputs = 0;
  return status == HFY_OK;
}
#define FUZZ_KEPT(name, arguments) fuzz_kept(#name, name arguments)

/* A separation with one row of scores, wild: with any parameters. */
static CHECK_UNUSED hfy_sep fuzz_sep(size_t n, int wild) {
  hfy_sep sep;
  memset(&sep, 0, sizeof sep);
  sep.kind = (hfy_sep_kind)fuzz_below(HFY_SEP_EVEN + 1);
  if (sep.kind == HFY_SEP_SEQUENCE_KSUBSETS || sep.kind == HFY_SEP_SPARSEMAP) sep.kind = HFY_SEP_SPARSEMAX;
  sep.k = (double)(1 + fuzz_below(n)) - (fuzz_below(4) ? 0 : 0.5);
  if (sep.kind == HFY_SEP_ARGMAX) sep.k = ceil(sep.k);
  sep.alpha = fuzz_below(2) ? 0 : 0.5 + 3 * fuzz_uniform(), sep.gamma = fuzz_below(2) ? 0 : 1 + 3 * fuzz_uniform();
  if (wild) sep.alpha = fuzz_parameter(), sep.gamma = fuzz_parameter(), sep.rho = fuzz_parameter();
  if (wild) sep.degree = fuzz_parameter(), sep.k = fuzz_below(2) ? sep.k : fuzz_parameter();
  return sep;
}

static void fuzz(void);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_at = data, fuzz_left = size, fuzz_aside = 0, check_errors = 0;
  fuzz_tail = fuzz_any = hfy_rng_seed(0);
  fuzz_tail = hfy_rng_seed(fuzz_bits(2));
  fuzz();
  hfy_work_free(&fuzz_work);
  memset(&fuzz_work, 0, sizeof fuzz_work);
  while (fuzz_block) free(fuzz_blocks[--fuzz_block]);
  fuzz_outputs = 0;
  if (check_errors) fflush(stdout), abort();
  return 0;
}

#ifndef FUZZ_GUIDED
static unsigned long fuzz_seed;
static void fuzz_died(int number) {
  printf("died (signal %d) at -seed=%lu -runs=1\n", number, fuzz_seed);
  fflush(stdout);
  signal(number, SIG_DFL);
  raise(number);
}
int main(int argc, char **argv) {
  static unsigned char input[4096];
  unsigned long runs = 0, most = ULONG_MAX;
  long seconds = 0;
  int i, files = 0;
  const time_t start = time(NULL);
  signal(SIGABRT, fuzz_died);
#ifndef __SANITIZE_ADDRESS__ /* which aborts in the end (abort_on_error=1) */
  signal(SIGSEGV, fuzz_died), signal(SIGFPE, fuzz_died), signal(SIGILL, fuzz_died);
#endif
  for (i = 1; i < argc; i++) {
    FILE *file = argv[i][0] == '-' ? NULL : fopen(argv[i], "rb");
    if (!strncmp(argv[i], "-runs=", 6)) most = strtoul(argv[i] + 6, NULL, 10);
    if (!strncmp(argv[i], "-seed=", 6)) fuzz_seed = strtoul(argv[i] + 6, NULL, 10);
    if (!strncmp(argv[i], "-max_total_time=", 16)) seconds = strtol(argv[i] + 16, NULL, 10);
    if (!file) continue;
    files++, runs++;
    LLVMFuzzerTestOneInput(input, fread(input, 1, sizeof input, file));
    fclose(file);
  }
  for (; !files && runs < most && (!seconds || time(NULL) - start < seconds); runs++, fuzz_seed++) {
    hfy_rng rng = hfy_rng_seed(fuzz_seed);
    const size_t size = (size_t)(fuzz_own(&rng) % sizeof input);
    const clock_t before = clock();
    size_t at;
    for (at = 0; at < size; at++) input[at] = (unsigned char)(fuzz_own(&rng) >> 56);
    LLVMFuzzerTestOneInput(input, size);
    if (clock() - before > CLOCKS_PER_SEC)
      printf("slow unit: %.1f s at -seed=%lu -runs=1\n", (double)(clock() - before) / CLOCKS_PER_SEC, fuzz_seed);
  }
  printf("Done %lu runs in %ld second(s)\n", runs, (long)(time(NULL) - start));
  return 0;
}
#endif

#endif
