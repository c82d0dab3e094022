/* checksum.c: one line a public function: its name and a hash of all that it puts out, over many shapes and settings

       checksum [ISA [ROOM [-v]]]   ISA: best (default), scalar, sse2, avx2, avx512, neon;  ROOM: all (default), net ...

   Two versions of hfy.h that print the same lines give the same bits, statuses and messages. hfy_retrieve has finer
   lines as well (separation / index / batch). -v: a line for every case, NAME#CASE, to find the first that differs, and
   how many calls succeeded. `make checksum OLD=path/to/old/hfy.h` (checksum.sh) compares two headers on every
   instruction set. Scratch sizes are no output, nor are messages about scratch; NaNs are all alike.
   Quickest: tcc -DHFY_STATIC -DHFY_NO_SIMD -DHFY_UNDER_TEST='"/path/to/hfy.h"' checksum.c -lm */
#ifndef HFY_UNDER_TEST
#define HFY_UNDER_TEST "../hfy.h"
#endif
#define HFY_IMPLEMENTATION
#include HFY_UNDER_TEST

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------------------------
   Hashes
   ------------------------------------------------------------------------------------------------------------------ */
#define FNV_START UINT64_C(0xCBF29CE484222325)
#define MOST_LINES 1200

typedef struct line {
  char name[80];
  uint64_t hash;
  size_t cases, calls, good;
} line;

static line lines[MOST_LINES];
static size_t n_lines;
static uint64_t digest = FNV_START; /* of the case at hand */
static size_t calls, good;          /* of the case at hand */
static int verbose;
static hfy_work work;

static uint64_t fnv(uint64_t hash, const void *bytes, size_t n) {
  const unsigned char *b = (const unsigned char *)bytes;
  for (; n; n--) hash = (hash ^ *b++) * UINT64_C(0x100000001B3);
  return hash;
}

static void put(const void *bytes, size_t n) { digest = fnv(digest, bytes, n); }

static void put_u64(uint64_t x) { put(&x, sizeof x); }

static void put_text(const char *text) { put(text, strlen(text) + 1); }

static void put_double(const double *x, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) {
    if (x[i] == x[i])
      put(x + i, sizeof *x);
    else
      put_text("NaN");
  }
}

static void put_real(const hfy_real *x, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) {
    if (x[i] == x[i])
      put(x + i, sizeof *x);
    else
      put_text("NaN");
  }
}

static void put_sizes(const size_t *x, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) put_u64((uint64_t)x[i]);
}

static void put_number(double x) { put_double(&x, 1); }

static hfy_status seen(hfy_status status) {
  put_u64((uint64_t)status);
  if (status != HFY_ERR_NOMEM) put_text(work.message);
  calls++;
  good += status == HFY_OK;
  return status;
}

/* the case's digest goes into the line of this name */
static void into(const char *name) {
  size_t i = 0;
  while (i < n_lines && strcmp(lines[i].name, name)) i++;
  if (i == MOST_LINES) {
    fprintf(stderr, "checksum: more than %d lines\n", MOST_LINES);
    exit(2);
  }
  if (i == n_lines) {
    snprintf(lines[i].name, sizeof lines[i].name, "%s", name);
    lines[i].hash = FNV_START;
    n_lines++;
  }
  lines[i].hash = fnv(lines[i].hash, &digest, sizeof digest);
  lines[i].calls += calls;
  lines[i].good += good;
  lines[i].cases++;
  if (verbose) printf("%s#%lu %016" PRIx64 "\n", name, (unsigned long)lines[i].cases, digest);
}

static void add(const char *name) {
  into(name);
  digest = FNV_START;
  calls = good = 0;
}

/* ------------------------------------------------------------------------------------------------------------------
   Inputs
   ------------------------------------------------------------------------------------------------------------------ */
static hfy_rng rng;
static unsigned char *arena;
static size_t arena_used;
#define ARENA_BYTES ((size_t)160 << 20)

/* bytes that hold the same rubbish in every run, until the next `arena_used = 0` */
static void *take(size_t bytes) {
  unsigned char *p = arena + arena_used;
  arena_used += (bytes + 127) / 64 * 64;
  if (arena_used > ARENA_BYTES) {
    fprintf(stderr, "checksum: arena too small\n");
    exit(2);
  }
  memset(p, 0x4B, bytes + 1);
  return p;
}
#define TAKE(type, n) ((type *)take((n) * sizeof(type)))
#define COUNT_OF(list) (sizeof(list) / sizeof *(list))
#define PICK(list) ((list)[below(COUNT_OF(list))])

static size_t below(size_t n) { return (size_t)(hfy_rng_u64(&rng) % n); }

static int chance(double p) { return hfy_rng_uniform(&rng) < p; }

static hfy_real *normals(size_t n, double scale) {
  hfy_real *x = TAKE(hfy_real, n);
  size_t i;
  for (i = 0; i < n; i++) x[i] = (hfy_real)(scale * hfy_rng_normal(&rng));
  return x;
}

static double *doubles(size_t n, double scale) {
  double *x = TAKE(double, n);
  size_t i;
  for (i = 0; i < n; i++) x[i] = scale * hfy_rng_normal(&rng);
  return x;
}

static hfy_real *zeros(size_t n) { return (hfy_real *)memset(TAKE(hfy_real, n), 0, n * sizeof(hfy_real)); }

static double *double_zeros(size_t n) { return (double *)memset(TAKE(double, n), 0, n * sizeof(double)); }

/* kind 0 normal, 1 signs, 2 of low rank, 3 with duplicates, 4 of very different lengths, 5 with a zero row, 6 whole */
static hfy_real *rows_of(size_t n, size_t dim, size_t stride, size_t kind) {
  hfy_real *x = normals(n * stride, 1), *base = normals(4 * dim, 1);
  size_t i, j, b;
  for (i = 0; i < n; i++) {
    double length = pow(10, 6 * hfy_rng_uniform(&rng) - 3);
    for (j = 0; j < dim; j++) {
      hfy_real *at = x + i * stride + j;
      double v = (double)*at;
      if (kind == 1) v = v < 0 ? -1 : 1;
      if (kind == 3 && i && i % 3 == 0) v = (double)x[(i / 2) * stride + j];
      if (kind == 4) v *= length;
      if (kind == 5 && i == n / 2) v = 0;
      if (kind == 6) v = floor(3 * v);
      *at = (hfy_real)v;
    }
    for (b = 0; kind == 2 && b < 4; b++) {
      double share = hfy_rng_normal(&rng);
      for (j = 0; j < dim; j++)
        x[i * stride + j] = (hfy_real)((b ? 1 : 0.1) * (double)x[i * stride + j] + share * (double)base[b * dim + j]);
    }
  }
  return x;
}

/* queries: near a key, random, the key itself, zero */
static hfy_real *queries_for(const hfy_real *keys, size_t count, size_t dim, size_t stride, size_t rows) {
  hfy_real *q = normals(rows * dim, 0.3);
  size_t i, j;
  for (i = 0; i < rows; i++) {
    size_t key = below(count), how = below(8);
    for (j = 0; j < dim; j++) {
      hfy_real *at = q + i * dim + j;
      if (how < 5) *at = (hfy_real)((double)*at + (double)keys[key * stride + j]);
      if (how == 5) *at = keys[key * stride + j];
      if (how == 6) *at = 0;
    }
  }
  return q;
}

/* scores: finite, some equal, some masked */
static hfy_real *scores_of(size_t rows, size_t n, double scale, int masks) {
  hfy_real *x = normals(rows * n, scale);
  size_t i;
  for (i = 0; i < rows * n; i++) {
    if (chance(0.05)) x[i] = x[i / 2];
    if (masks && chance(0.1)) x[i] = (hfy_real)-HUGE_VAL;
  }
  return x;
}

/* one of many separations for rows of n; its name, or NULL beyond the last */
static const char *make_sep(hfy_sep *sep, size_t which, size_t n, size_t rows) {
  size_t i, half = n / 2 ? n / 2 : 1;
  hfy_sep *plus = TAKE(hfy_sep, 1);
  hfy_structure *structure = TAKE(hfy_structure, 1);
  double *upper = TAKE(double, n *rows), *lower = TAKE(double, n *rows);
  size_t *states = TAKE(size_t, half);
  hfy_real *transitions = normals(n, 0.7);
  for (i = 0; i < n * rows; i++) {
    upper[i] = 1.5 / (double)n + 0.3 * hfy_rng_uniform(&rng);
    lower[i] = 0.5 / (double)n * hfy_rng_uniform(&rng);
  }
  memset(sep, 0, sizeof *sep);
  memset(plus, 0, sizeof *plus);
  switch (which) {
  case 0: return "softmax";
  case 1: sep->kind = HFY_SEP_SPARSEMAX; return "sparsemax";
  case 2:
    sep->kind = HFY_SEP_SPARSEMAX;
    sep->upper = upper;
    return "sparsemax-upper";
  case 3:
    sep->kind = HFY_SEP_SPARSEMAX;
    sep->upper = upper;
    sep->lower = lower;
    return "sparsemax-bounds";
  case 4:
    sep->kind = HFY_SEP_SPARSEMAX;
    sep->lower = lower;
    sep->bound_stride = n;
    return "sparsemax-lower-rows";
  case 5: sep->kind = HFY_SEP_ENTMAX; return "entmax";
  case 6:
    sep->kind = HFY_SEP_ENTMAX;
    sep->alpha = 1.25;
    return "entmax-1.25";
  case 7:
    sep->kind = HFY_SEP_ENTMAX;
    sep->alpha = 2;
    return "entmax-2";
  case 8:
    sep->kind = HFY_SEP_ENTMAX;
    sep->alpha = 3;
    return "entmax-3";
  case 9:
    sep->kind = HFY_SEP_ENTMAX;
    sep->alpha = 0.6;
    return "entmax-0.6";
  case 10:
    sep->kind = HFY_SEP_ENTMAX;
    sep->alpha = HUGE_VAL;
    return "entmax-infinity";
  case 11:
    sep->kind = HFY_SEP_ENTMAX;
    sep->alpha = 1;
    return "entmax-1";
  case 12:
    sep->kind = HFY_SEP_ENTMAX;
    sep->alpha = 1.7;
    return "entmax-1.7";
  case 13: sep->kind = HFY_SEP_NORMMAX; return "normmax";
  case 14:
    sep->kind = HFY_SEP_NORMMAX;
    sep->gamma = 5;
    return "normmax-5";
  case 15:
    sep->kind = HFY_SEP_NORMMAX;
    sep->gamma = 1;
    return "normmax-1";
  case 16:
    sep->kind = HFY_SEP_NORMMAX;
    sep->gamma = HUGE_VAL;
    return "normmax-infinity";
  case 17:
    sep->kind = HFY_SEP_NORMMAX;
    sep->gamma = 1.4;
    return "normmax-1.4";
  case 18:
    sep->kind = HFY_SEP_NORMMAX;
    sep->gamma = 150;
    return "normmax-150";
  case 19: sep->kind = HFY_SEP_KSUBSETS; return "ksubsets";
  case 20:
    sep->kind = HFY_SEP_KSUBSETS;
    sep->k = 3;
    return "ksubsets-3";
  case 21:
    sep->kind = HFY_SEP_KSUBSETS;
    sep->k = 0.5;
    return "ksubsets-0.5";
  case 22:
    sep->kind = HFY_SEP_KSUBSETS;
    sep->k = 2.5;
    sep->rho = 2;
    return "ksubsets-2.5";
  case 23:
    sep->kind = HFY_SEP_KSUBSETS;
    sep->k = 1.2;
    sep->upper = upper;
    sep->lower = lower;
    sep->rho = 0.5;
    return "ksubsets-bounds";
  case 24:
    sep->kind = HFY_SEP_KSUBSETS;
    sep->k = 1;
    sep->upper = upper;
    sep->bound_stride = n;
    return "ksubsets-upper-rows";
  case 25:
    sep->kind = HFY_SEP_SEQUENCE_KSUBSETS;
    sep->k = 2;
    sep->transition = 0.7;
    return "sequence-2";
  case 26:
    sep->kind = HFY_SEP_SEQUENCE_KSUBSETS;
    sep->k = 3;
    sep->transitions = transitions;
    sep->rho = 2;
    return "sequence-3-transitions";
  case 27:
    sep->kind = HFY_SEP_SEQUENCE_KSUBSETS;
    sep->k = 2;
    sep->transition = HUGE_VAL;
    return "sequence-2-infinity";
  case 28:
    sep->kind = HFY_SEP_SEQUENCE_KSUBSETS;
    sep->k = 3;
    sep->transition = -1;
    return "sequence-3-negative";
  case 29:
    sep->kind = HFY_SEP_SPARSEMAP;
    *structure = hfy_structure_ksubsets(n, 2);
    sep->structure = structure;
    return "sparsemap-ksubsets";
  case 30:
    sep->kind = HFY_SEP_SPARSEMAP;
    *structure = hfy_structure_at_most(n, 2);
    sep->structure = structure;
    sep->rho = 2;
    return "sparsemap-at-most";
  case 31:
    sep->kind = HFY_SEP_SPARSEMAP;
    *structure = hfy_structure_sequence(n, 2);
    sep->structure = structure;
    sep->transitions = transitions;
    return "sparsemap-sequence";
  case 32:
    for (i = 0; i < half; i++) states[i] = 2;
    states[0] += n - 2 * half;
    if (n == 1) states[0] = 1;
    sep->kind = HFY_SEP_SPARSEMAP;
    *structure = hfy_structure_chain(half, states);
    sep->structure = structure;
    sep->transition = 0.4;
    return "sparsemap-chain";
  case 33:
    sep->kind = HFY_SEP_SPARSEMAP;
    *structure = hfy_structure_matching((size_t)(sqrt((double)n) + 0.5));
    sep->structure = structure;
    return "sparsemap-matching";
  case 34: sep->kind = HFY_SEP_IDENTITY; return "identity";
  case 35: sep->kind = HFY_SEP_POWER; return "power";
  case 36:
    sep->kind = HFY_SEP_POWER;
    sep->degree = 2.5;
    return "power-2.5";
  case 37: sep->kind = HFY_SEP_EXP; return "exp";
  case 38: sep->kind = HFY_SEP_ARGMAX; return "argmax";
  case 39:
    sep->kind = HFY_SEP_ARGMAX;
    sep->k = 3;
    return "argmax-3";
  case 40: sep->kind = HFY_SEP_UNIFORM; return "uniform";
  case 41:
    sep->kind = HFY_SEP_SPARSEMAX;
    sep->plus = plus;
    return "sparsemax-plus-softmax";
  case 42:
    sep->kind = HFY_SEP_IDENTITY;
    plus->kind = HFY_SEP_POWER;
    plus->degree = 4;
    sep->plus = plus;
    return "identity-plus-power";
  case 43:
    sep->kind = HFY_SEP_KSUBSETS;
    sep->k = 2;
    plus->kind = HFY_SEP_ENTMAX;
    sep->plus = plus;
    return "ksubsets-plus-entmax";
  case 44:
    sep->kind = HFY_SEP_SPARSEMAX;
    sep->upper = upper;
    plus->kind = HFY_SEP_NORMMAX;
    sep->plus = plus;
    return "bounds-plus-normmax";
  case 45:
    sep->kind = HFY_SEP_EXP;
    plus->kind = HFY_SEP_ARGMAX;
    sep->plus = plus;
    return "exp-plus-argmax";
  default: return NULL;
  }
}
#define SEPS 46

/* a separation that is not valid; 0 beyond the last */
static int spoil_sep(hfy_sep *sep, size_t which, size_t n) {
  hfy_structure *structure = TAKE(hfy_structure, 1);
  double *upper = doubles(n, 0.1), *lower = doubles(n, 0.1);
  memset(sep, 0, sizeof *sep);
  sep->kind = HFY_SEP_SPARSEMAX;
  switch (which) {
  case 0: sep->kind = (hfy_sep_kind)99; return 1;
  case 1:
    sep->kind = HFY_SEP_ENTMAX;
    sep->alpha = -1;
    return 1;
  case 2:
    sep->kind = HFY_SEP_ENTMAX;
    sep->alpha = (double)NAN;
    return 1;
  case 3:
    sep->kind = HFY_SEP_NORMMAX;
    sep->gamma = 0.5;
    return 1;
  case 4:
    sep->kind = HFY_SEP_POWER;
    sep->degree = 1;
    return 1;
  case 5:
    sep->kind = HFY_SEP_KSUBSETS;
    sep->k = -2;
    return 1;
  case 6:
    sep->kind = HFY_SEP_KSUBSETS;
    sep->k = (double)n + 0.5;
    return 1;
  case 7:
    sep->kind = HFY_SEP_KSUBSETS;
    sep->rho = -1;
    return 1;
  case 8:
    sep->kind = HFY_SEP_ARGMAX;
    sep->k = 1.5;
    return 1;
  case 9:
    sep->kind = HFY_SEP_SEQUENCE_KSUBSETS;
    sep->k = 1.5;
    return 1;
  case 10:
    sep->kind = HFY_SEP_SEQUENCE_KSUBSETS;
    sep->k = 2;
    sep->transition = (double)NAN;
    return 1;
  case 11: sep->kind = HFY_SEP_SPARSEMAP; return 1;
  case 12:
    sep->kind = HFY_SEP_SPARSEMAP;
    *structure = hfy_structure_at_most(n + 1, 1);
    sep->structure = structure;
    return 1;
  case 13:
    sep->upper = upper;
    upper[n - 1] = (double)NAN;
    return 1;
  case 14:
    sep->upper = upper;
    sep->lower = lower;
    lower[n / 2] = upper[n / 2] + 1;
    return 1;
  case 15:
    sep->upper = upper;
    sep->bound_stride = n - 1;
    return 1;
  case 16:
    memset(upper, 0, n * sizeof *upper);
    sep->upper = upper;
    return 1;
  case 17: sep->plus = sep; return 1;
  case 18:
    sep->kind = HFY_SEP_ARGMAX;
    sep->k = (double)n + 1;
    return 1;
  case 19:
    sep->kind = HFY_SEP_SPARSEMAP;
    *structure = hfy_structure_ksubsets(n, n + 3);
    sep->structure = structure;
    return 1;
  case 20:
    sep->kind = HFY_SEP_SEQUENCE_KSUBSETS;
    sep->k = 2;
    *structure = hfy_structure_sequence(n, 2);
    structure->max_steps = 2;
    sep->structure = structure;
    return 1;
  default: return 0;
  }
}

static const char *make_post(hfy_post *post, size_t which, size_t n) {
  hfy_real *matrix = normals(n * n, 0.1), *gain = normals(n, 0.2), *delta = normals(n, 0.2);
  size_t i, j;
  for (i = 0; i < n; i++) {
    for (j = 0; j < i; j++) matrix[i * n + j] = matrix[j * n + i] = matrix[i * n + j] / (hfy_real)n;
    matrix[i * n + i] = (hfy_real)(2 + (double)gain[i]);
  }
  memset(post, 0, sizeof *post);
  switch (which) {
  case 0: return "none";
  case 1: post->kind = HFY_POST_TANH; return "tanh";
  case 2:
    post->kind = HFY_POST_TANH;
    post->beta = 3;
    return "tanh-3";
  case 3: post->kind = HFY_POST_SIGN; return "sign";
  case 4: post->kind = HFY_POST_L2; return "l2";
  case 5:
    post->kind = HFY_POST_L2;
    post->radius = 2;
    post->eps = 1e-3;
    return "l2-eps";
  case 6: post->kind = HFY_POST_LAYERNORM; return "layernorm";
  case 7:
    post->kind = HFY_POST_LAYERNORM;
    post->eta = 2;
    post->eps = 1e-5;
    post->delta = delta;
    return "layernorm-delta";
  case 8:
    post->kind = HFY_POST_LAYERNORM;
    post->gain = gain;
    post->dof_minus = 1;
    return "layernorm-gain";
  case 9:
    post->kind = HFY_POST_LINEAR;
    post->matrix = matrix;
    return "linear";
  case 10: post->kind = HFY_POST_RECTIFIED_POWER; return "rectified";
  case 11:
    post->kind = HFY_POST_RECTIFIED_POWER;
    post->power = 1.5;
    post->sigma = 0.3;
    post->theta = -0.2;
    return "rectified-smooth";
  case 12:
    post->kind = HFY_POST_RECTIFIED_POWER;
    post->power = 2;
    post->theta = 0.1;
    return "rectified-2";
  case 13:
    post->kind = HFY_POST_LINEAR;
    post->matrix = matrix;
    matrix[n - 1] += 1;
    return "linear-asymmetric";
  default: return NULL;
  }
}
#define POSTS 14

static int spoil_post(hfy_post *post, size_t which) {
  memset(post, 0, sizeof *post);
  switch (which) {
  case 0: post->kind = (hfy_post_kind)77; return 1;
  case 1:
    post->kind = HFY_POST_TANH;
    post->beta = -1;
    return 1;
  case 2:
    post->kind = HFY_POST_L2;
    post->radius = -1;
    return 1;
  case 3:
    post->kind = HFY_POST_L2;
    post->eps = -1;
    return 1;
  case 4:
    post->kind = HFY_POST_LAYERNORM;
    post->eta = (double)NAN;
    return 1;
  case 5:
    post->kind = HFY_POST_LAYERNORM;
    post->dof_minus = 1000000;
    return 1;
  case 6: post->kind = HFY_POST_LINEAR; return 1;
  case 7:
    post->kind = HFY_POST_RECTIFIED_POWER;
    post->power = -1;
    return 1;
  case 8:
    post->kind = HFY_POST_RECTIFIED_POWER;
    post->sigma = -1;
    return 1;
  case 9:
    post->kind = HFY_POST_RECTIFIED_POWER;
    post->theta = HUGE_VAL;
    return 1;
  default: return 0;
  }
}

/* ------------------------------------------------------------------------------------------------------------------
   base, simd, linalg
   ------------------------------------------------------------------------------------------------------------------ */
static void room_base(void) {
  hfy_rng r = hfy_rng_seed(7), zero;
  size_t i;
  int s;
  for (s = 0; s < 12; s++) {
    put_text(hfy_status_text((hfy_status)s));
    add("hfy_status_text");
  }
  put_u64(r.state);
  add("hfy_rng_seed");
  for (i = 0; i < 1000; i++) put_u64(hfy_rng_u64(&r));
  add("hfy_rng_u64");
  for (i = 0; i < 1000; i++) put_number(hfy_rng_uniform(&r));
  add("hfy_rng_uniform");
  for (i = 0; i < 1001; i++) put_number(hfy_rng_normal(&r));
  put_u64((uint64_t)r.has_cached);
  put_number(r.cached);
  memset(&zero, 0, sizeof zero);
  for (i = 0; i < 9; i++) put_number(hfy_rng_normal(&zero));
  add("hfy_rng_normal");
  for (i = 0; i < 1000; i++) put_number(hfy_rng_sign(&r));
  add("hfy_rng_sign");
  {
    hfy_work mine;
    unsigned char byte = 3;
    memset(&mine, 0, sizeof mine);
    mine.isa = work.isa;
    hfy_simd_isa(&mine);
    hfy_work_free(&mine);
    put_u64(mine.owned);
    put_u64(mine.capacity);
    put_u64(mine.buffer != NULL);
    mine.buffer = &byte;
    mine.capacity = 1;
    hfy_work_free(&mine);
    put_u64(mine.owned);
    put_u64(mine.buffer == &byte);
    put_u64(byte);
    hfy_work_free(NULL);
    add("hfy_work_free");
  }
  for (s = -1; s < 8; s++) {
    hfy_work other;
    memset(&other, 0, sizeof other);
    other.isa = (hfy_isa)s;
    put_text(hfy_simd_text((hfy_isa)s));
    add("hfy_simd_text");
    if (s >= 0 && s < 6) put_u64((uint64_t)hfy_simd_isa(&other));
    add("hfy_simd_isa");
  }
  put_u64((uint64_t)hfy_simd_isa(&work));
  put_u64((uint64_t)hfy_simd_isa(NULL));
  add("hfy_simd_isa");
}

static void one_linalg(size_t n, size_t m, size_t kind) {
  double *a = doubles(n * n, 1), *b = doubles(n * m, 1), *re = TAKE(double, n), *im = TAKE(double, n);
  double *vectors = TAKE(double, n *n), *vectors_im = TAKE(double, n *n), *residual = TAKE(double, n);
  double *values = TAKE(double, n + m), *left = TAKE(double, n *n + m * n), *right = TAKE(double, m *m + m * n);
  double *inverse = TAKE(double, n *m), cut = kind == 2 ? 1e-6 : 0;
  size_t i, j, rank = 99;
  for (i = 0; i < n; i++) {
    for (j = 0; j < n; j++) {
      double *at = a + i * n + j;
      if (kind == 1) *at = j + 1 < i ? 0 : *at * pow(10, (double)(i % 7) - 3);
      if (kind == 2) *at = i < j ? a[j * n + i] : *at;
      if (kind == 3) *at = floor(*at);
    }
    for (j = 0; j < m; j++) {
      double *at = b + i * m + j;
      if (kind == 1 && i > 1) *at = b[(i % 2) * m + j] * (double)i;
      if (kind == 2) *at *= pow(10, -(double)(j % 9));
      if (kind == 3) *at = j % 4 == 3 ? 0 : floor(*at);
    }
  }
  seen(hfy_eigenvalues(a, n, re, im, &work));
  put_double(re, n);
  put_double(im, n);
  add("hfy_eigenvalues");
  seen(hfy_eigenvectors(a, n, re, im, n, vectors, vectors_im, kind ? residual : NULL, &work));
  put_double(vectors, n * n);
  put_double(vectors_im, n * n);
  put_double(residual, n);
  add("hfy_eigenvectors");
  for (i = 0; i < n; i++) {
    for (j = 0; j < i; j++) a[j * n + i] = a[i * n + j];
  }
  seen(hfy_linalg_eigen(a, n, values, NULL, &work));
  put_double(values, n);
  seen(hfy_linalg_eigen(a, n, values, vectors, &work));
  put_double(values, n);
  put_double(vectors, n * n);
  add("hfy_linalg_eigen");
  seen(hfy_linalg_svd(b, n, m, values, left, right, &work));
  put_double(values, n < m ? n : m);
  put_double(left, n * (n < m ? n : m));
  put_double(right, m * (n < m ? n : m));
  seen(hfy_linalg_svd(b, n, m, values, NULL, NULL, &work));
  put_double(values, n < m ? n : m);
  add("hfy_linalg_svd");
  seen(hfy_linalg_pinv(b, n, m, cut, inverse, &rank, &work));
  put_double(inverse, n * m);
  put_u64(rank);
  add("hfy_linalg_pinv");
}

static void room_linalg(void) {
  static const size_t large[][2] = {{90, 41}, {129, 60}, {70, 200}};
  double *a, x[4] = {0}, bad[4] = {1, (double)NAN, 0, 1};
  size_t n;
  for (n = 1; n <= 70; n++) {
    arena_used = 0;
    one_linalg(n, 1 + below(70), n % 4);
  }
  for (n = 0; n < COUNT_OF(large); n++) {
    arena_used = 0;
    one_linalg(large[n][0], large[n][1], 0);
  }
  arena_used = 0;
  a = doubles(16, 1);
  seen(hfy_eigenvalues(NULL, 2, x, x, &work));
  seen(hfy_eigenvalues(a, 0, x, x, &work));
  seen(hfy_eigenvalues(a, 2, NULL, x, &work));
  seen(hfy_eigenvalues(bad, 2, x, x + 2, &work));
  seen(hfy_eigenvalues(a, SIZE_MAX / 2, x, x, &work));
  add("hfy_eigenvalues");
  seen(hfy_eigenvectors(a, 2, NULL, x, 2, a + 4, a + 8, NULL, &work));
  seen(hfy_eigenvectors(a, 2, bad, x, 2, a + 4, a + 8, NULL, &work));
  seen(hfy_eigenvectors(bad, 2, x, x, 2, a + 4, a + 8, NULL, &work));
  seen(hfy_eigenvectors(a, 0, x, x, 2, a + 4, a + 8, NULL, &work));
  seen(hfy_eigenvectors(a, 2, x, x, 0, a + 4, a + 8, NULL, &work));
  add("hfy_eigenvectors");
  seen(hfy_linalg_eigen(NULL, 2, x, NULL, &work));
  seen(hfy_linalg_eigen(a, 0, x, NULL, &work));
  seen(hfy_linalg_eigen(a, 2, NULL, NULL, &work));
  bad[2] = (double)NAN;
  seen(hfy_linalg_eigen(bad, 2, x, NULL, &work));
  seen(hfy_linalg_eigen(a, SIZE_MAX / 2, x, NULL, &work));
  add("hfy_linalg_eigen");
  seen(hfy_linalg_svd(NULL, 2, 2, x, NULL, NULL, &work));
  seen(hfy_linalg_svd(a, 0, 2, x, NULL, NULL, &work));
  seen(hfy_linalg_svd(a, 2, 0, x, NULL, NULL, &work));
  seen(hfy_linalg_svd(bad, 2, 2, x, NULL, NULL, &work));
  seen(hfy_linalg_svd(a, SIZE_MAX / 2, 8, x, NULL, NULL, &work));
  add("hfy_linalg_svd");
  seen(hfy_linalg_pinv(a, 2, 2, -1, x, NULL, &work));
  seen(hfy_linalg_pinv(a, 2, 2, (double)NAN, x, NULL, &work));
  seen(hfy_linalg_pinv(a, 2, 2, 0, NULL, NULL, &work));
  seen(hfy_linalg_pinv(bad, 2, 2, 0, x, NULL, &work));
  seen(hfy_linalg_pinv(a, 2, 2, 0, x, NULL, &work));
  put_double(x, 4);
  add("hfy_linalg_pinv");
}

/* ------------------------------------------------------------------------------------------------------------------
   sim, index
   ------------------------------------------------------------------------------------------------------------------ */
static void room_sim(void) {
  static const size_t dims[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 129, 257, 300};
  static const size_t counts[] = {1, 2, 3, 4, 7, 8, 13, 33, 64, 100}, batches[] = {1, 2, 3, 5, 8, 17, 64};
  static const double betas[] = {1, 0.125, -2, 0, 1e30};
  size_t i, s;
  hfy_real x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (i = 0; i < 240; i++) {
    size_t dim = i < COUNT_OF(dims) ? dims[i] : PICK(dims), n = PICK(counts), rows = PICK(batches);
    size_t stride = dim + (chance(0.3) ? below(5) : 0);
    hfy_real *keys, *queries, *scores;
    arena_used = 0;
    keys = rows_of(n, dim, stride, below(7));
    queries = queries_for(keys, n, dim, stride, rows);
    scores = TAKE(hfy_real, n * rows);
    if (chance(0.1)) queries[below(rows * dim)] = (hfy_real)(chance(0.5) ? (double)NAN : HUGE_VAL);
    for (s = 0; s < 4; s++) {
      seen(hfy_sim_scores((hfy_sim)s, PICK(betas), keys, n, dim, stride == dim ? 0 : stride, queries, rows,
                          scores, &work));
      put_real(scores, n * rows);
      add("hfy_sim_scores");
    }
  }
  seen(hfy_sim_scores((hfy_sim)9, 1, x, 2, 2, 0, x, 1, x, &work));
  seen(hfy_sim_scores(HFY_SIM_DOT, (double)NAN, x, 2, 2, 0, x, 1, x, &work));
  seen(hfy_sim_scores(HFY_SIM_DOT, 1, NULL, 2, 2, 0, x, 1, x, &work));
  seen(hfy_sim_scores(HFY_SIM_DOT, 1, x, 0, 2, 0, x, 1, x, &work));
  seen(hfy_sim_scores(HFY_SIM_DOT, 1, x, 2, 0, 0, x, 1, x, &work));
  seen(hfy_sim_scores(HFY_SIM_DOT, 1, x, 2, 2, 1, x, 1, x, &work));
  seen(hfy_sim_scores(HFY_SIM_DOT, 1, x, 2, 2, 0, NULL, 1, x, &work));
  seen(hfy_sim_scores(HFY_SIM_DOT, 1, x, 2, 2, 0, x, 0, x, &work));
  seen(hfy_sim_scores(HFY_SIM_DOT, 1, x, 2, 2, 0, x, 1, NULL, &work));
  seen(hfy_sim_scores(HFY_SIM_DOT, 1, x, SIZE_MAX / 2, 8, 0, x, 1, x, &work));
  put_real(x, 8);
  add("hfy_sim_scores");
}

static void put_index(const hfy_index *x) {
  put_u64(x->bytes);
  put_u64(x->count);
  put_u64(x->dim);
  put_u64(x->prefix);
  put_number(x->residual);
  put_number(x->error);
  put_u64(x->format);
  put_u64(x->capacity);
  put_u64(x->sim);
  put_u64(x->content);
  put_u64(x->seal);
  put_number(x->mean_norm);
  put_number(x->basis_norm);
  put_number(x->largest);
  put_u64((uint64_t)x->exponent);
  put(x->data, x->bytes);
}

/* prefix SIZE_MAX: none */
static const hfy_index *index_of(const hfy_real *keys, size_t n, size_t dim, size_t stride, size_t prefix,
                                 size_t sample) {
  hfy_index_options options;
  hfy_index *index = TAKE(hfy_index, 1);
  size_t bytes;
  void *memory;
  options.prefix = prefix;
  options.sample = sample;
  options.capacity = 0;
  options.sim = HFY_SIM_DOT;
  bytes = hfy_index_size(n, dim, &options);
  if (bytes == SIZE_MAX) return NULL;
  memory = take(bytes);
  return hfy_index_build(keys, n, dim, stride, &options, memory, bytes, index, &work) ? NULL : index;
}

/* By an index alone. */
static void put_alone(const hfy_index *x, hfy_sim sim) {
#ifdef NO_ALONE
  (void)x, (void)sim;
#else
  static hfy_real scores[2 * 700];
  const hfy_rng kept = rng;
  const hfy_real *q = normals(2 * x->dim, 0.3);
  double errors[16], error = 0;
  size_t top[16] = {0}, certified[2], k = x->count < 8 ? x->count : 8, n = k < x->dim ? k : x->dim;
  seen(hfy_index_check(x, NULL, x->count, x->dim, 0, &work));
  if (!seen(hfy_index_scores(x, sim, 0.5, q, 2, scores, errors, &work))) {
    put_real(scores, 2 * x->count);
    put_double(errors, 2);
  }
  add("hfy_index_scores");
  if (!seen(hfy_index_top(x, sim, 3, q, 2, k, top, scores, errors, certified, &work))) {
    put_sizes(top, 2 * k);
    put_real(scores, 2 * k);
    put_double(errors, 2 * k);
    put_sizes(certified, 2);
  }
  add("hfy_index_top");
  if (!seen(hfy_index_project(x, top, n, q, scores, &error, &work))) put_real(scores, x->dim);
  if (!seen(hfy_index_project(x, NULL, n, NULL, scores, &error, &work))) put_real(scores, x->dim);
  seen(hfy_index_project(x, &x->count, 1, q, scores, &error, &work));
  put_number(error);
  add("hfy_index_project");
  rng = kept; /* what comes after is as it was */
#endif
}

static void room_index(void) {
  static const size_t dims[] = {1, 3, 8, 17, 32, 64, 65, 128, 130, 200, 256},
                      counts[] = {1, 2, 5, 17, 64, 100, 301, 700};
  static const size_t prefixes[] = {0, SIZE_MAX, 1, 4, 16, 300};
  size_t i;
  for (i = 0; i < 120; i++) {
    size_t dim = PICK(dims), n = PICK(counts), stride = dim + (chance(0.3) ? below(5) : 0), bytes;
    hfy_index_options options;
    hfy_index index;
    hfy_real *keys;
    unsigned char *memory;
    arena_used = 0;
    keys = rows_of(n, dim, stride, below(7));
    options.prefix = i % 8 ? PICK(prefixes) : 0;
    options.sample = chance(0.3) ? 50 : 0;
    options.capacity = i % 3 ? 0 : n + 5;
    options.sim = (hfy_sim)(i % 7 / 3);
    if (chance(0.05)) keys[below(n * stride)] = (hfy_real)NAN;
    bytes = hfy_index_size(n, dim, i % 8 ? &options : NULL);
    put_u64(bytes);
    add("hfy_index_size");
    memset(&index, 0, sizeof index);
    memory = (unsigned char *)take(bytes == SIZE_MAX ? 64 : bytes);
    if (!seen(hfy_index_build(keys, n, dim, stride == dim ? 0 : stride, i % 8 ? &options : NULL, memory,
                              bytes == SIZE_MAX ? 64 : bytes - (i % 50 == 9 ? 1 : 0), &index, &work)))
      put_index(&index);
    add("hfy_index_build");
    seen(hfy_index_check(&index, keys, n, dim, stride, &work));
    seen(hfy_index_check(&index, keys, n + 1, dim, stride, &work));
    if (index.data) put_alone(&index, i % 2 ? (hfy_sim)index.sim : (hfy_sim)(i % 3));
    if (!seen(hfy_index_update(&index, keys, n - n / 3, dim, stride, n / 4, n / 2 - n / 4, &work))) put_index(&index);
    if (!seen(hfy_index_update(&index, keys, n, dim, stride, n - n / 3, n / 3, &work))) put_index(&index);
    add("hfy_index_update");
    if (i % 5 == 4 && !seen(hfy_index_remove(&index, n / 2, n / 3, &work))) put_index(&index);
    add("hfy_index_remove");
    keys[0] = keys[0] + 1;
    seen(hfy_index_check(&index, keys, n, dim, stride, &work));
    keys[0] = keys[0] - 1;
    if (index.data) {
      memory = (unsigned char *)(uintptr_t)index.data;
      memory[below(index.bytes)] ^= 4;
    }
    seen(hfy_index_check(&index, keys, n, dim, stride, &work));
    index.format++;
    seen(hfy_index_check(&index, keys, n, dim, stride, &work));
    add("hfy_index_check");
  }
  put_u64(hfy_index_size(0, 3, NULL));
  put_u64(hfy_index_size(3, 0, NULL));
  put_u64(hfy_index_size(SIZE_MAX / 2, 30, NULL));
  put_u64(hfy_index_size(3, ((size_t)1 << 24) + 1, NULL));
  add("hfy_index_size");
  {
    hfy_index index;
    hfy_real *keys = normals(16, 1);
    memset(&index, 0, sizeof index);
    seen(hfy_index_build(NULL, 4, 4, 0, NULL, arena, 1000, &index, &work));
    seen(hfy_index_build(keys, 0, 4, 0, NULL, arena, 1000, &index, &work));
    seen(hfy_index_build(keys, 4, 4, 3, NULL, arena, 1000, &index, &work));
    seen(hfy_index_build(keys, 4, 4, 0, NULL, NULL, 1000, &index, &work));
    seen(hfy_index_build(keys, 4, 4, 0, NULL, arena, 1000, NULL, &work));
    seen(hfy_index_build(keys, 4, 4, 0, NULL, arena, 8, &index, &work));
    add("hfy_index_build");
    seen(hfy_index_check(NULL, keys, 4, 4, 0, &work));
    seen(hfy_index_check(&index, NULL, 4, 4, 0, &work));
    add("hfy_index_check");
  }
}

/* ------------------------------------------------------------------------------------------------------------------
   structure
   ------------------------------------------------------------------------------------------------------------------ */

/* the vertices are listed: context holds most + 1 numbers for each of scratch / 8 of them, how many bits and which */
typedef struct listing {
  size_t n, vertices[12][4];
} listing;

static size_t list_oracle(const hfy_structure *structure, const double *unary, const double *higher, size_t *on,
                          void *scratch) {
  const listing *list = (const listing *)structure->context;
  size_t v, i, best = SIZE_MAX;
  double most = -HUGE_VAL;
  (void)scratch;
  for (v = 0; v < list->n; v++) {
    double score = 0;
    for (i = 0; i < list->vertices[v][0]; i++) {
      size_t bit = list->vertices[v][1 + i];
      score += bit < structure->unaries ? unary[bit] : higher[bit - structure->unaries];
    }
    if (score > most) {
      most = score;
      best = v;
    }
  }
  if (best == SIZE_MAX) return SIZE_MAX;
  for (i = 0; i < list->vertices[best][0]; i++) on[i] = list->vertices[best][1 + i];
  return list->vertices[best][0];
}

static void put_structure(const hfy_structure *s) {
  put_u64(s->unaries);
  put_u64(s->higher);
  put_u64(s->most);
  put_u64(s->scratch);
  put_u64(s->k);
  put_u64(s->oracle != NULL);
  put_u64(s->states != NULL);
  put_number(s->tol);
  put_u64(s->max_steps);
  put_u64(s->max_active);
}

static void one_structure(const hfy_structure *s, double scale, double rho, int infinite) {
  size_t n = s->unaries, h = s->higher, i, count = 77;
  double *unary = doubles(n, scale), *higher = doubles(h + 1, 0.5 * scale), score = 5;
  double *u = TAKE(double, n), *v = TAKE(double, h + 1), *du = doubles(n, 1), *d_higher = TAKE(double, h + 1);
  size_t *on = TAKE(size_t, s->most + 2), *other = TAKE(size_t, s->most + 2);
  const double *parts = chance(0.2) ? NULL : higher;
  hfy_structure_answer answer;
  memset(&answer, 0, sizeof answer);
  for (i = 0; infinite && i < n; i++) {
    if (chance(0.1)) unary[i] = -HUGE_VAL;
    if (i < h && chance(0.05)) higher[i] = -HUGE_VAL;
  }
  if (chance(0.03)) unary[below(n)] = (double)NAN;
  if (!seen(hfy_structure_map(s, unary, parts, on, &count, &score, &work))) put_sizes(on, count);
  put_u64(count);
  put_number(score);
  seen(hfy_structure_map(s, unary, parts, NULL, NULL, &score, &work));
  put_number(score);
  add("hfy_structure_map");
  answer.unary = u;
  answer.higher = v;
  answer.room = 40;
  answer.weight = TAKE(double, answer.room);
  answer.count = TAKE(size_t, answer.room);
  answer.on = TAKE(size_t, answer.room * s->most);
  seen(hfy_structure_solve(s, rho, unary, parts, &answer, &work));
  put_double(u, n);
  put_double(v, h);
  put_number(answer.value);
  put_number(answer.gap);
  put_u64(answer.steps);
  put_u64(answer.vertices);
  for (i = 0; i < answer.vertices && i < answer.room; i++) {
    put_number(answer.weight[i]);
    put_u64(answer.count[i]);
    put_sizes(answer.on + i * s->most, answer.count[i]);
  }
  add("hfy_structure_solve");
  if (answer.vertices <= answer.room) {
    seen(hfy_structure_vjp(s, rho, answer.vertices, answer.count, answer.on, du, u, d_higher, &work));
    put_double(u, n);
    put_double(d_higher, h);
    add("hfy_structure_vjp");
  }
  /* at its best vertex, and at that of other scores */
  for (i = 0; i < 2; i++) {
    double loss = 3, slack = 3, *random = doubles(n, scale);
    if (i && hfy_structure_map(s, random, parts, other, &count, NULL, &work)) count = 0;
    if (count > s->most) count = 0;
    seen(hfy_structure_loss(s, rho, unary, parts, i ? other : on, count, &loss, &work));
    put_number(loss);
    add("hfy_structure_loss");
    seen(hfy_structure_margin(s, rho, unary, parts, i ? other : on, count, &slack, &work));
    put_number(slack);
    add("hfy_structure_margin");
  }
}

static void room_structure(void) {
  static const double scales[] = {0.2, 1, 1, 10, 1e6}, rhos[] = {0, 0, 0.5, 2, 10};
  static const size_t sizes[] = {1, 2, 3, 6, 9, 17, 40};
  listing list = {7, {{2, 0, 1, 0}, {2, 1, 2, 0}, {3, 0, 2, 5}, {1, 3, 0, 0}, {2, 4, 6, 0}, {0, 0, 0, 0},
                       {3, 4, 3, 5}}};
  size_t i, j;
  for (i = 0; i < 260; i++) {
    size_t n = PICK(sizes), k = 1 + below(n < 5 ? n : 5), states[8];
    hfy_structure s;
    arena_used = 0;
    switch (i % 6) {
    case 0: s = hfy_structure_ksubsets(n, k); break;
    case 1: s = hfy_structure_at_most(n, k); break;
    case 2: s = hfy_structure_sequence(n, k); break;
    case 3:
      for (j = 0; j < 8; j++) states[j] = 1 + below(4);
      s = hfy_structure_chain(1 + below(8), states);
      break;
    case 4: s = hfy_structure_matching(1 + below(6)); break;
    default:
      memset(&s, 0, sizeof s);
      s.unaries = 5;
      s.higher = 2;
      s.most = 3;
      s.oracle = list_oracle;
      s.context = &list;
      s.scratch = below(2) * 100;
      break;
    }
    put_structure(&s);
    add(i % 6 == 0   ? "hfy_structure_ksubsets"
        : i % 6 == 1 ? "hfy_structure_at_most"
        : i % 6 == 2 ? "hfy_structure_sequence"
        : i % 6 == 3 ? "hfy_structure_chain"
                     : "hfy_structure_matching");
    if (chance(0.1)) s.tol = 1e-3;
    if (chance(0.1)) s.max_steps = 3;
    if (chance(0.1)) s.max_active = 2;
    one_structure(&s, PICK(scales), PICK(rhos), chance(0.3));
  }
  {
    double x[4] = {1, 2, 3, 4}, y[4], g[4], loss = 9;
    size_t on[4] = {0, 0, 7, 1}, count = 2, states[2] = {0, 2};
    hfy_structure bad[8], good_one = hfy_structure_ksubsets(4, 2);
    hfy_structure_answer answer;
    memset(&answer, 0, sizeof answer);
    bad[0] = hfy_structure_ksubsets(4, 5);
    bad[1] = hfy_structure_at_most(0, 1);
    bad[2] = hfy_structure_sequence(4, 0);
    bad[3] = hfy_structure_chain(2, states);
    bad[4] = hfy_structure_matching(0);
    bad[5] = good_one;
    bad[5].oracle = NULL;
    bad[6] = good_one;
    bad[6].tol = -1;
    bad[7] = hfy_structure_chain(2, NULL);
    for (i = 0; i < 8; i++) {
      put_structure(bad + i);
      seen(hfy_structure_map(bad + i, x, NULL, on, &count, NULL, &work));
      add("hfy_structure_map");
      seen(hfy_structure_solve(bad + i, 0, x, NULL, &answer, &work));
      add("hfy_structure_solve");
      seen(hfy_structure_loss(bad + i, 0, x, NULL, on, 1, &loss, &work));
      add("hfy_structure_loss");
      seen(hfy_structure_margin(bad + i, 0, x, NULL, on, 1, &loss, &work));
      add("hfy_structure_margin");
    }
    on[0] = on[1] = 0;
    seen(hfy_structure_map(NULL, x, NULL, on, &count, NULL, &work));
    seen(hfy_structure_map(&good_one, NULL, NULL, on, &count, NULL, &work));
    add("hfy_structure_map");
    seen(hfy_structure_solve(&good_one, -1, x, NULL, &answer, &work));
    seen(hfy_structure_solve(&good_one, 1, x, NULL, NULL, &work));
    seen(hfy_structure_solve(&good_one, (double)NAN, x, NULL, &answer, &work));
    add("hfy_structure_solve");
    seen(hfy_structure_loss(&good_one, 1, x, NULL, on, 2, &loss, &work));
    seen(hfy_structure_loss(&good_one, 1, x, NULL, on, 3, &loss, &work));
    on[1] = 4;
    seen(hfy_structure_loss(&good_one, 1, x, NULL, on, 2, &loss, &work));
    on[1] = 9;
    seen(hfy_structure_loss(&good_one, 1, x, NULL, on, 2, &loss, &work));
    seen(hfy_structure_loss(&good_one, 1, x, NULL, on, 2, NULL, &work));
    add("hfy_structure_loss");
    seen(hfy_structure_margin(&good_one, 1, x, NULL, on, 2, &loss, &work));
    seen(hfy_structure_margin(&good_one, 1, NULL, NULL, on, 2, &loss, &work));
    add("hfy_structure_margin");
    seen(hfy_structure_vjp(&good_one, 1, 1, &count, on, x, g, y, &work));
    seen(hfy_structure_vjp(&good_one, 1, 0, &count, on, x, g, y, &work));
    seen(hfy_structure_vjp(&good_one, 1, 1, NULL, on, x, g, y, &work));
    add("hfy_structure_vjp");
  }
}

/* ------------------------------------------------------------------------------------------------------------------
   sep, post
   ------------------------------------------------------------------------------------------------------------------ */
static void one_sep(const hfy_sep *sep, const char *kind, size_t n, size_t rows, double scale, int masks) {
  hfy_real *theta = scores_of(rows, n, scale, masks), *y = TAKE(hfy_real, rows * n), *dy = normals(rows * n, 1);
  hfy_real *d_theta = TAKE(hfy_real, rows * n), *targets = zeros(rows * n);
  double *values = TAKE(double, rows + n), alpha = 5, gamma = 5, transition = 5;
  double *upper = double_zeros(n * rows), *lower = double_zeros(n * rows), *transitions = double_zeros(4 * n + 8);
  char fine[80];
  size_t i, j, higher = sep->structure ? sep->structure->higher : n - 1;
  size_t bounds = sep->bound_stride ? n * rows : n;
  hfy_sep_grad grad;
  if (chance(0.05)) theta[below(rows * n)] = (hfy_real)NAN;
  if (chance(0.02)) theta[below(rows * n)] = (hfy_real)HUGE_VAL;
  snprintf(fine, sizeof fine, "hfy_sep_apply/%s", kind);
  seen(hfy_sep_apply(sep, theta, rows, n, y, &work));
  put_real(y, rows * n);
  into(fine);
  add("hfy_sep_apply");
  if (sep->plus != sep) put_number(hfy_sep_margin(sep)); /* old headers follow a circle for ever */
  add("hfy_sep_margin");

  memset(&grad, 0, sizeof grad);
  grad.theta = d_theta;
  seen(hfy_sep_vjp(sep, theta, y, dy, rows, n, &grad, &work));
  put_real(d_theta, rows * n);
  if (sep->kind == HFY_SEP_ENTMAX) grad.alpha = &alpha;
  if (sep->kind == HFY_SEP_NORMMAX) grad.gamma = &gamma;
  if (sep->upper) grad.upper = upper;
  if (sep->lower) grad.lower = lower;
  if (sep->kind == HFY_SEP_SEQUENCE_KSUBSETS || sep->kind == HFY_SEP_SPARSEMAP) {
    grad.transition = &transition;
    grad.transitions = transitions;
  }
  seen(hfy_sep_vjp(sep, theta, y, dy, rows, n, &grad, &work));
  put_real(d_theta, rows * n);
  put_number(alpha);
  put_number(gamma);
  put_number(transition);
  put_double(upper, bounds);
  put_double(lower, bounds);
  put_double(transitions, higher < 4 * n + 8 ? higher : 0);
  snprintf(fine, sizeof fine, "hfy_sep_vjp/%s", kind);
  into(fine);
  add("hfy_sep_vjp");

  seen(hfy_sep_conjugate(sep, theta, rows, n, values, &work));
  put_double(values, rows);
  add("hfy_sep_conjugate");
  if (sep->plus && n > 20) return;
  seen(hfy_sep_value(sep, y, rows, n, values, &work));
  put_double(values, rows);
  for (i = 0; i < rows; i++) {
    double sum = 0;
    for (j = 0; i % 2 && j < n; j++) sum += fabs((double)dy[i * n + j]);
    for (j = 0; i % 2 && j < n; j++) targets[i * n + j] = (hfy_real)(fabs((double)dy[i * n + j]) / sum);
    if (i % 2 == 0) targets[i * n + below(n)] = 1;
  }
  seen(hfy_sep_value(sep, targets, rows, n, values, &work));
  put_double(values, rows);
  add("hfy_sep_value");
  seen(hfy_sep_loss(sep, theta, y, rows, n, values, &work));
  put_double(values, rows);
  seen(hfy_sep_loss(sep, theta, targets, rows, n, values, &work));
  put_double(values, rows);
  add("hfy_sep_loss");
}

static void room_sep(void) {
  static const size_t sizes[] = {1, 2, 3, 4, 7, 9, 16, 33, 64, 100}, rows[] = {1, 2, 5};
  static const double scales[] = {0.1, 1, 1, 3, 100};
  size_t which, i, n = 6;
  hfy_sep sep;
  hfy_real *theta, *y;
  hfy_sep_grad grad;
  double values[8] = {0};
  for (which = 0; which < SEPS; which++) {
    for (i = 0; i < 11; i++) {
      size_t r = PICK(rows);
      const char *kind;
      arena_used = 0;
      n = i < COUNT_OF(sizes) ? sizes[i] : 1000;
      if (i == 10 && which >= 25 && which <= 33) n = 150;
      kind = make_sep(&sep, which, n, r);
      one_sep(&sep, kind, n, r, PICK(scales), i % 3 == 2);
    }
  }
  n = 6;
  for (which = 0;; which++) {
    arena_used = 0;
    if (!spoil_sep(&sep, which, n)) break;
    one_sep(&sep, "invalid", n, 2, 1, 0);
  }
  arena_used = 0;
  make_sep(&sep, 1, n, 1);
  theta = normals(n, 1);
  y = TAKE(hfy_real, n);
  memset(&grad, 0, sizeof grad);
  put_number(hfy_sep_margin(NULL));
  add("hfy_sep_margin");
  seen(hfy_sep_apply(NULL, theta, 1, n, y, &work));
  seen(hfy_sep_apply(&sep, NULL, 1, n, y, &work));
  seen(hfy_sep_apply(&sep, theta, 1, n, NULL, &work));
  seen(hfy_sep_apply(&sep, theta, 1, 0, y, &work));
  seen(hfy_sep_apply(&sep, theta, 0, n, y, &work));
  seen(hfy_sep_apply(&sep, theta, SIZE_MAX / 4, n, y, &work));
  for (i = 0; i < n; i++) theta[i] = (hfy_real)-HUGE_VAL;
  for (which = 0; which < SEPS; which++) {
    make_sep(&sep, which, n, 1);
    seen(hfy_sep_apply(&sep, theta, 1, n, y, &work));
  }
  add("hfy_sep_apply");
  make_sep(&sep, 1, n, 1);
  grad.alpha = values;
  seen(hfy_sep_vjp(&sep, theta, y, y, 1, n, &grad, &work));
  seen(hfy_sep_vjp(&sep, theta, y, y, 1, n, NULL, &work));
  seen(hfy_sep_vjp(&sep, theta, NULL, y, 1, n, &grad, &work));
  seen(hfy_sep_vjp(NULL, theta, y, y, 1, n, &grad, &work));
  add("hfy_sep_vjp");
  seen(hfy_sep_value(&sep, NULL, 1, n, values, &work));
  seen(hfy_sep_value(&sep, y, 1, n, NULL, &work));
  seen(hfy_sep_value(NULL, y, 1, n, values, &work));
  add("hfy_sep_value");
  seen(hfy_sep_conjugate(&sep, NULL, 1, n, values, &work));
  seen(hfy_sep_conjugate(&sep, y, 1, 0, values, &work));
  add("hfy_sep_conjugate");
  seen(hfy_sep_loss(&sep, NULL, y, 1, n, values, &work));
  seen(hfy_sep_loss(&sep, y, y, 1, n, NULL, &work));
  add("hfy_sep_loss");
}

/* members that the post has not are left NULL, unless all */
static void post_grads(const hfy_post *post, hfy_post_grad *grad, double *numbers, hfy_real *arrays, size_t n,
                       int all) {
  memset(grad, 0, sizeof *grad);
  if (all || post->kind == HFY_POST_TANH) grad->beta = numbers;
  if (all || post->kind == HFY_POST_L2) grad->radius = numbers + 1;
  if (all || (post->kind == HFY_POST_LAYERNORM && !post->gain)) grad->eta = numbers + 2;
  if (all || post->kind == HFY_POST_L2 || post->kind == HFY_POST_LAYERNORM) grad->eps = numbers + 3;
  if (all || post->kind == HFY_POST_RECTIFIED_POWER) {
    grad->power = numbers + 4;
    grad->sigma = numbers + 5;
    grad->theta = numbers + 6;
  }
  if (all || post->kind == HFY_POST_LAYERNORM) {
    grad->gain = arrays;
    grad->delta = arrays + n;
  }
  if (all || post->kind == HFY_POST_LINEAR) grad->matrix = arrays + 2 * n;
}

static void one_post(const hfy_post *post, size_t n, size_t rows, double scale) {
  hfy_real *z = normals(rows * n, scale), *previous = normals(rows * n, 1), *q = TAKE(hfy_real, rows * n);
  hfy_real *dq = normals(rows * n, 1), *dz = TAKE(hfy_real, rows * n), *arrays = zeros(2 * n + n * n);
  double *values = TAKE(double, rows), numbers[7] = {0};
  hfy_post_grad grad;
  size_t i;
  int all;
  for (i = 0; i < rows * n; i++) {
    if (chance(0.05)) z[i] = 0;
  }
  if (chance(0.2)) memset(z, 0, n * sizeof *z);
  if (chance(0.1)) z[below(rows * n)] = (hfy_real)(chance(0.5) ? (double)NAN : HUGE_VAL);
  seen(hfy_post_apply(post, z, chance(0.5) ? previous : NULL, rows, n, q, &work));
  put_real(q, rows * n);
  add("hfy_post_apply");
  for (all = 0; all < 2; all++) {
    post_grads(post, &grad, numbers, arrays, n, all);
    grad.z = dz;
    seen(hfy_post_vjp(post, z, dq, rows, n, &grad, &work));
    put_real(dz, rows * n);
    put_real(arrays, 2 * n + n * n);
    put_double(numbers, 7);
  }
  add("hfy_post_vjp");
  seen(hfy_post_value(post, q, rows, n, values, &work));
  put_double(values, rows);
  seen(hfy_post_value(post, previous, rows, n, values, &work));
  put_double(values, rows);
  add("hfy_post_value");
  seen(hfy_post_conjugate(post, z, rows, n, values, &work));
  put_double(values, rows);
  add("hfy_post_conjugate");
}

static void room_post(void) {
  static const size_t sizes[] = {1, 2, 3, 8, 17, 33, 64}, rows[] = {1, 3, 9};
  static const double scales[] = {0.1, 1, 1, 50, 1e18};
  size_t which, i;
  hfy_post post;
  hfy_real x[4] = {1, 2, 3, 4};
  double value = 3;
  for (which = 0; which < POSTS; which++) {
    for (i = 0; i < 12; i++) {
      size_t n = i < COUNT_OF(sizes) ? sizes[i] : PICK(sizes);
      arena_used = 0;
      make_post(&post, which, n);
      one_post(&post, n, PICK(rows), PICK(scales));
    }
  }
  for (which = 0; spoil_post(&post, which); which++) {
    arena_used = 0;
    one_post(&post, 4, 2, 1);
  }
  memset(&post, 0, sizeof post);
  seen(hfy_post_apply(NULL, x, NULL, 1, 4, x, &work));
  seen(hfy_post_apply(&post, NULL, NULL, 1, 4, x, &work));
  seen(hfy_post_apply(&post, x, NULL, 1, 4, NULL, &work));
  seen(hfy_post_apply(&post, x, NULL, 1, 0, x, &work));
  seen(hfy_post_apply(&post, x, NULL, SIZE_MAX / 2, 4, x, &work));
  add("hfy_post_apply");
  seen(hfy_post_vjp(&post, x, x, 1, 4, NULL, &work));
  add("hfy_post_vjp");
  seen(hfy_post_value(&post, NULL, 1, 4, &value, &work));
  add("hfy_post_value");
  seen(hfy_post_conjugate(&post, x, 1, 4, NULL, &work));
  add("hfy_post_conjugate");
}

/* ------------------------------------------------------------------------------------------------------------------
   net
   ------------------------------------------------------------------------------------------------------------------ */

/* all that a report can hold for `rows` queries; level 0: none, 1: what needs no rows of weights, 2: all but energies,
   3: all */
static hfy_report *make_report(const hfy_net *net, size_t rows, int level) {
  hfy_report *r = (hfy_report *)memset(TAKE(hfy_report, 1), 0, sizeof(hfy_report));
  if (!level) return NULL;
  r->status = TAKE(hfy_status, rows);
  r->best = TAKE(size_t, rows);
  r->steps = TAKE(size_t, rows);
  r->residual = TAKE(double, rows);
  r->cycle = TAKE(size_t, rows);
  if (level > 1) {
    r->support = TAKE(size_t, rows);
    r->top = 1 + below(5);
    r->top_index = TAKE(size_t, rows * r->top);
    r->top_weight = TAKE(hfy_real, rows * r->top);
    r->weights = TAKE(hfy_real, rows * net->count);
  }
  if (level > 2) r->energy = TAKE(double, rows *(net->max_steps + 2));
  return r;
}

static void put_report(const hfy_net *net, const hfy_report *r, size_t rows) {
  size_t i;
  if (!r) return;
  for (i = 0; i < rows; i++) put_u64((uint64_t)r->status[i]);
  put_sizes(r->best, rows);
  put_sizes(r->steps, rows);
  put_double(r->residual, rows);
  put_sizes(r->cycle, rows);
  if (r->support) {
    put_sizes(r->support, rows);
    put_sizes(r->top_index, rows * r->top);
    put_real(r->top_weight, rows * r->top);
    put_real(r->weights, rows * net->count);
  }
  if (r->energy) put_double(r->energy, rows * ((net->max_steps ? net->max_steps : 1) + 1));
}

static size_t width(const hfy_net *net) { return net->readout ? net->readout_dim : net->dim; }

/* a random net and queries for it. plain: one that has an energy */
static const char *make_net(hfy_net *net, size_t dim, size_t count, size_t rows, int plain, hfy_real **queries) {
  static const double betas[] = {0, 0, 0.3, 4, 50};
  static const size_t steps[] = {0, 1, 2, 5, 20};
  size_t stride = dim + (chance(0.25) ? below(4) : 0), i, kind = below(7);
  hfy_real *keys = rows_of(count, dim, stride, kind);
  const char *name;
  memset(net, 0, sizeof *net);
  net->dim = dim;
  net->count = count;
  net->keys = keys;
  net->key_stride = stride == dim ? 0 : stride;
  net->beta = PICK(betas);
  net->max_steps = PICK(steps);
  name = make_sep(&net->sep, below(SEPS), count, rows);
  if (chance(0.4)) make_post(&net->post, below(POSTS), dim);
  if (!plain && chance(0.4)) net->sim = (hfy_sim)below(4);
  if (!plain && chance(0.3)) {
    net->value_stride = dim + below(3);
    net->values = rows_of(count, dim, net->value_stride, below(3));
  }
  if (!plain && chance(0.2)) {
    net->readout_dim = 1 + below(2 * dim);
    net->readout_stride = chance(0.5) ? 0 : net->readout_dim + below(3);
    net->readout = normals(count * (net->readout_dim + 3), 1);
  }
  if (chance(0.15)) net->self_coupling = normals(dim, 0.1);
  if (chance(0.3)) {
    int each = chance(0.4) && !plain;
    net->bias = scores_of(each ? rows : 1, count, 0.5, 1);
    net->bias_stride = each ? count : 0;
  }
  if (chance(0.2)) {
    size_t *visible = TAKE(size_t, rows);
    for (i = 0; i < rows; i++) visible[i] = 1 + below(count);
    if (chance(0.1)) visible[0] = 0;
    net->visible = visible;
  }
  if (!plain && chance(0.2)) net->step = 0.25 + 0.5 * hfy_rng_uniform(&rng);
  if (chance(0.3)) net->tol = chance(0.5) ? 1e-3 : 0.1;
  if (chance(0.5)) net->index = index_of(keys, count, dim, stride, dim >= 8 && chance(0.5) ? 4 : SIZE_MAX, 0);
  *queries = queries_for(keys, count, dim, stride, rows);
  if (chance(0.05)) (*queries)[below(rows * dim)] = (hfy_real)NAN;
  if (chance(0.03)) keys[below(count * stride)] = (hfy_real)(chance(0.5) ? (double)NAN : HUGE_VAL);
  if (chance(0.03)) (*queries)[below(rows * dim)] = (hfy_real)1e37;
  return name;
}

/* a net that is not valid; 0 beyond the last */
static int spoil_net(hfy_net *net, size_t which) {
  hfy_real *x = normals(net->dim * net->count, 1);
  hfy_index *index = (hfy_index *)(uintptr_t)index_of(x, net->count, net->dim, net->dim, SIZE_MAX, 0);
  switch (which) {
  case 0: net->dim = 0; return 1;
  case 1: net->count = 0; return 1;
  case 2: net->keys = NULL; return 1;
  case 3: net->key_stride = net->dim - 1; return 1;
  case 4: net->sim = (hfy_sim)7; return 1;
  case 5: net->beta = -1; return 1;
  case 6: net->beta = (double)NAN; return 1;
  case 7: net->step = 1.5; return 1;
  case 8: net->step = -1; return 1;
  case 9: net->tol = -1; return 1;
  case 10: net->tol = (double)NAN; return 1;
  case 11: net->max_steps = SIZE_MAX; return 1;
  case 12: net->readout = x; return 1;
  case 13:
    net->readout = x;
    net->readout_dim = 3;
    net->readout_stride = 2;
    return 1;
  case 14:
    net->values = x;
    net->value_stride = 1;
    return 1;
  case 15:
    net->bias = x;
    net->bias_stride = 1;
    return 1;
  case 16:
    net->self_coupling = x;
    x[0] = (hfy_real)NAN;
    return 1;
  case 17: net->index = index; return 1;
  case 18: net->count = SIZE_MAX / 4; return 1;
  case 19: net->dim = SIZE_MAX / 4; return 1;
  case 20:
    net->index = index;
    net->keys = x;
    index->format++;
    return 1;
  case 21:
    net->index = index;
    net->keys = x;
    x[0]++;
    return 1;
  case 22: net->value_stride = net->dim + 1; return 1;
  case 23: net->readout_dim = 4; return 1;
  case 24:
    net->bias = x;
    x[1] = (hfy_real)NAN;
    return 1;
  case 25:
    net->bias = x;
    x[1] = (hfy_real)HUGE_VAL;
    return 1;
  default:
    if (which < 50) return spoil_sep(&net->sep, which - 26, net->count) || (net->sep.kind = HFY_SEP_SOFTMAX, 1);
    return spoil_post(&net->post, which - 50);
  }
}

static void put_net(const hfy_net *net) {
  const double numbers[] = {net->beta,           net->step,       net->tol,         net->sep.k,
                            net->sep.alpha,      net->sep.gamma,  net->sep.degree,  net->sep.rho,
                            net->sep.transition, net->post.beta,  net->post.radius, net->post.eta,
                            net->post.eps,       net->post.power, net->post.sigma,  net->post.theta};
  put_u64(net->dim);
  put_u64(net->count);
  put_u64(net->key_stride);
  put_u64(net->value_stride);
  put_u64(net->readout_dim);
  put_u64(net->readout_stride);
  put_u64((uint64_t)net->sim);
  put_u64(net->bias_stride);
  put_u64(net->max_steps);
  put_u64((uint64_t)net->sep.kind);
  put_u64(net->sep.bound_stride);
  put_u64((uint64_t)net->post.kind);
  put_u64(net->post.dof_minus);
  put_u64((uint64_t)(net->values != NULL) * 2 + (uint64_t)(net->values == net->keys));
  put_double(numbers, COUNT_OF(numbers));
}

static void one_retrieve(const hfy_net *net, const hfy_real *queries, size_t rows, int level, const char *fine) {
  size_t n = rows * width(net);
  hfy_real *out = TAKE(hfy_real, n);
  hfy_report *report = make_report(net, rows, level);
  seen(hfy_retrieve(net, queries, rows, out, report, &work));
  put_real(out, n);
  put_report(net, report, rows);
  if (fine) into(fine);
  add("hfy_retrieve");
}

static void one_check(const hfy_net *net) {
  hfy_net resolved;
  memset(&resolved, 0, sizeof resolved);
  seen(hfy_net_check(net, &resolved, &work));
  put_net(&resolved);
  seen(hfy_net_check(net, NULL, &work));
  add("hfy_net_check");
}

static void one_energy(const hfy_net *net, const hfy_real *q, size_t rows) {
  double *energy = TAKE(double, rows);
  hfy_real *dq = TAKE(hfy_real, rows * net->dim);
  int form;
  seen(hfy_energy(net, q, rows, energy, &work));
  put_double(energy, rows);
  add("hfy_energy");
  seen(hfy_energy_gradient(net, q, rows, dq, &work));
  put_real(dq, rows * net->dim);
  add("hfy_energy_gradient");
  {
    double *weight = TAKE(double, rows), beta = 0;
    const size_t many = net->count * (net->key_stride ? net->key_stride : net->dim);
    hfy_real *keys = TAKE(hfy_real, many);
    hfy_grad grad;
    size_t j;
    memset(&grad, 0, sizeof grad), memset(keys, 0, many * sizeof *keys);
    memset(dq, 0, rows * net->dim * sizeof *dq);
    for (j = 0; j < rows; j++) weight[j] = 1 - 0.25 * (double)j;
    grad.queries = dq, grad.keys = keys, grad.beta = &beta;
    seen(hfy_energy_vjp(net, q, rows, weight, &grad, &work));
    put_real(dq, rows * net->dim), put_real(keys, many);
    put_number(beta);
  }
  add("hfy_energy_vjp");
  for (form = 0; form < 4; form++) {
    double constant = 77;
    seen(hfy_energy_constant(net, (hfy_energy_form)form, &constant, &work));
    put_number(constant);
  }
  add("hfy_energy_constant");
}

static void one_retrieve_vjp(const hfy_net *net, const hfy_real *queries, size_t rows) {
  size_t D = net->dim, N = net->count, stride = net->key_stride ? net->key_stride : D, W = width(net);
  hfy_real *dout = normals(rows * W, 1);
  double numbers[7] = {0}, parameters[4] = {0};
  hfy_real *arrays = zeros(2 * D + D * D);
  size_t bounds = net->sep.bound_stride ? rows * N : N;
  size_t parts = net->sep.structure ? net->sep.structure->higher : N - 1;
  hfy_grad grad;
  memset(&grad, 0, sizeof grad);
  grad.queries = zeros(rows * D);
  seen(hfy_retrieve_vjp(net, queries, rows, dout, &grad, &work));
  put_real(grad.queries, rows * D);
  grad.keys = zeros(N * stride);
  if (net->values) grad.values = zeros(N * (net->value_stride ? net->value_stride : D));
  if (net->readout) grad.readout = zeros(N * (net->readout_stride ? net->readout_stride : W));
  if (net->bias) grad.bias = zeros(net->bias_stride ? rows * net->bias_stride : N);
  if (net->self_coupling) grad.self_coupling = zeros(D);
  grad.beta = parameters;
  if (net->sep.kind == HFY_SEP_ENTMAX && net->sep.alpha < 1e9) grad.alpha = parameters + 1;
  if (net->sep.kind == HFY_SEP_NORMMAX) grad.gamma = parameters + 2;
  if (net->sep.upper) grad.upper = double_zeros(bounds);
  if (net->sep.lower) grad.lower = double_zeros(bounds);
  if (net->sep.kind == HFY_SEP_SEQUENCE_KSUBSETS || net->sep.kind == HFY_SEP_SPARSEMAP) {
    grad.transition = parameters + 3;
    grad.transitions = double_zeros(parts + 1);
  }
  post_grads(&net->post, &grad.post, numbers, arrays, D, 0);
  seen(hfy_retrieve_vjp(net, queries, rows, dout, &grad, &work));
  put_real(grad.queries, rows * D);
  put_real(grad.keys, N * stride);
  if (grad.values) put_real(grad.values, N * (net->value_stride ? net->value_stride : D));
  if (grad.readout) put_real(grad.readout, N * (net->readout_stride ? net->readout_stride : W));
  if (grad.bias) put_real(grad.bias, net->bias_stride ? rows * net->bias_stride : N);
  if (grad.self_coupling) put_real(grad.self_coupling, D);
  if (grad.upper) put_double(grad.upper, bounds);
  if (grad.lower) put_double(grad.lower, bounds);
  if (grad.transitions) put_double(grad.transitions, parts);
  put_double(parameters, 4);
  put_double(numbers, 7);
  put_real(arrays, 2 * D + D * D);
  grad.implicit = 1;
  grad.residual = double_zeros(rows);
  seen(hfy_retrieve_vjp(net, queries, rows, dout, &grad, &work));
  put_real(grad.keys, N * stride);
  put_double(grad.residual, rows);
  add("hfy_retrieve_vjp");
}

/* every separation x no index, one, one with a prefix x batches */
static void room_net_matrix(void) {
  static const size_t batches[] = {1, 3, 64, 130};
  static const char *const indices[] = {"none", "index", "prefix"};
  size_t which, how, b, n = 200, dim = 96, rows = 130;
  for (which = 0; which < SEPS; which++) {
    int slow = (which >= 25 && which <= 33);
    const char *kind;
    hfy_net net;
    hfy_real *keys, *queries;
    arena_used = 0;
    if (slow)
      n = 49;
    else
      n = 201;
    memset(&net, 0, sizeof net);
    keys = rows_of(n, dim, dim, which % 2 ? 0 : 2);
    queries = queries_for(keys, n, dim, dim, rows);
    kind = make_sep(&net.sep, which, n, rows);
    net.keys = keys;
    net.count = n;
    net.dim = dim;
    net.max_steps = 2;
    net.beta = which % 3 ? 0.1 : 0.5;
    for (how = 0; how < 3; how++) {
      net.index = how ? index_of(keys, n, dim, dim, how == 1 ? SIZE_MAX : 16, 0) : NULL;
      for (b = 0; b < 4; b++) {
        char fine[80];
        size_t start = slow && b == 3 ? 100 : 0;
        size_t used = arena_used;
        snprintf(fine, sizeof fine, "hfy_retrieve/%s/%s/%lu", kind, indices[how], (unsigned long)batches[b]);
        one_retrieve(&net, queries + start * dim, batches[b] - start, b % 2 ? 2 : 0, fine);
        arena_used = used;
      }
    }
  }
}

/* one query and many steps over a memory that is worth bounds of its scores; the same for a few, with and without */
static void room_net_large(void) {
  static const size_t seps[] = {0, 1, 5, 13, 20, 38};
  size_t i, b, n = 4200, dim = 256;
  for (i = 0; i < COUNT_OF(seps); i++) {
    hfy_net net;
    hfy_real *keys, *queries;
    const char *kind;
    char fine[80];
    arena_used = 0;
    memset(&net, 0, sizeof net);
    keys = rows_of(n, dim, dim, i % 2 ? 2 : 0);
    queries = queries_for(keys, n, dim, dim, 5);
    kind = make_sep(&net.sep, seps[i], n, 1);
    net.keys = keys;
    net.count = n;
    net.dim = dim;
    net.max_steps = 6;
    net.beta = i % 2 ? 0.002 : 0.02;
    if (i % 3 == 2) net.post.kind = HFY_POST_L2;
    for (b = 0; b < 4; b++) {
      if (b == 2) net.index = index_of(keys, n, dim, dim, i % 2 ? 0 : SIZE_MAX, 0);
      snprintf(fine, sizeof fine, "hfy_retrieve/large-%s/%s/%s", kind, b < 2 ? "none" : "index", b % 2 ? "5" : "1");
      one_retrieve(&net, queries, b % 2 ? 5 : 1, b % 2 ? 1 : 0, fine);
    }
  }
}

/* rows that are longer than a block of any kernel, batches that are more than one */
static void room_net_wide(void) {
  static const size_t dims[] = {257, 300, 513, 1030}, counts[] = {520, 1300}, batches[] = {1, 5, 40};
  size_t i, which;
  for (i = 0; i < 24; i++) {
    size_t dim = PICK(dims), count = PICK(counts), rows = PICK(batches);
    hfy_net net;
    hfy_real *queries;
    arena_used = 0;
    make_net(&net, dim, count, rows, 0, &queries);
    memset(&net.post, 0, sizeof net.post);
    do {
      which = below(SEPS);
    } while (which >= 25 && which <= 33);
    make_sep(&net.sep, which, count, rows);
    if (net.max_steps > 2) net.max_steps = 2;
    net.beta = 0.05;
    one_retrieve(&net, queries, rows, (int)below(3), NULL);
    if (rows < 40) one_retrieve_vjp(&net, queries, rows);
  }
}

static void room_net(void) {
  static const size_t dims[] = {1, 2, 3, 5, 8, 13, 16, 31, 64, 70, 129},
                      counts[] = {1, 2, 3, 4, 9, 16, 33, 64, 100, 260};
  static const size_t batches[] = {1, 1, 2, 3, 4, 7, 16, 33, 64};
  size_t i;
  hfy_net net;
  hfy_real *queries;
  for (i = 0; i < 1500; i++) {
    size_t dim = PICK(dims), count = PICK(counts), rows = PICK(batches);
    arena_used = 0;
    make_net(&net, dim, count, rows, i % 4 == 3, &queries);
    if (count > 64 && net.sep.kind >= HFY_SEP_SEQUENCE_KSUBSETS && net.sep.kind <= HFY_SEP_SPARSEMAP) rows = 1;
    one_check(&net);
    one_retrieve(&net, queries, rows, (int)below(4), NULL);
  }
  for (i = 0; i < 700; i++) {
    size_t dim = dims[below(9)], count = counts[below(8)], rows = batches[below(6)];
    arena_used = 0;
    make_net(&net, dim, count, rows, i % 2 == 1, &queries);
    if (net.max_steps > 5) net.max_steps = 5;
    one_retrieve_vjp(&net, queries, rows);
    if (i % 2 && i % 8 != 7) net.self_coupling = NULL;
    one_energy(&net, queries, rows);
  }
  for (i = 0;; i++) {
    arena_used = 0;
    do {
      make_net(&net, 5, 6, 2, 1, &queries);
    } while (net.index || net.visible);
    memset(&net.sep, 0, sizeof net.sep);
    if (!spoil_net(&net, i)) break;
    one_check(&net);
    if (i == 0 || i == 1 || i == 18 || i == 19) { /* sizes that the rest cannot stand */
      hfy_real out[16] = {0};
      double energy[2] = {0};
      seen(hfy_retrieve(&net, queries, 2, out, NULL, &work));
      add("hfy_retrieve");
      seen(hfy_energy(&net, queries, 2, energy, &work));
      add("hfy_energy");
      seen(hfy_energy_gradient(&net, queries, 2, out, &work));
      add("hfy_energy_gradient");
      seen(hfy_energy_constant(&net, HFY_ENERGY_PAPER, energy, &work));
      add("hfy_energy_constant");
      put_real(out, 16);
      continue;
    }
    if (i != 11) one_retrieve(&net, queries, 2, 2, NULL);
    if (i != 3 && i != 11 && i != 12 && i != 13 && i != 14 && i != 15 && i != 23)
      one_retrieve_vjp(&net, queries, 2);
    one_energy(&net, queries, 2);
  }
  {
    hfy_real out[64] = {0};
    hfy_grad grad;
    unsigned char bytes[16];
    hfy_isa isa = work.isa;
    arena_used = 0;
    memset(&grad, 0, sizeof grad);
    make_net(&net, 5, 6, 2, 1, &queries);
    seen(hfy_retrieve(NULL, queries, 2, out, NULL, &work));
    seen(hfy_retrieve(&net, NULL, 2, out, NULL, &work));
    seen(hfy_retrieve(&net, queries, 2, NULL, NULL, &work));
    seen(hfy_retrieve(&net, queries, 0, out, NULL, &work));
    seen(hfy_retrieve(&net, queries, SIZE_MAX / 8, out, NULL, &work));
    hfy_work_free(&work);
    work.buffer = bytes;
    work.capacity = sizeof bytes;
    seen(hfy_retrieve(&net, queries, 2, out, NULL, &work));
    memset(&work, 0, sizeof work);
    work.isa = (hfy_isa)17;
    seen(hfy_retrieve(&net, queries, 2, out, NULL, &work));
    work.isa = isa;
    put_real(out, 64);
    add("hfy_retrieve");
    seen(hfy_retrieve_vjp(NULL, queries, 2, out, &grad, &work));
    seen(hfy_retrieve_vjp(&net, queries, 2, NULL, &grad, &work));
    seen(hfy_retrieve_vjp(&net, queries, 2, out, NULL, &work));
    grad.alpha = (double *)(uintptr_t)arena;
    seen(hfy_retrieve_vjp(&net, queries, 2, out, &grad, &work));
    add("hfy_retrieve_vjp");
    seen(hfy_energy(&net, queries, 2, NULL, &work));
    seen(hfy_energy(NULL, queries, 2, (double *)(uintptr_t)arena, &work));
    add("hfy_energy");
    seen(hfy_energy_gradient(&net, NULL, 2, out, &work));
    add("hfy_energy_gradient");
    seen(hfy_energy_constant(&net, HFY_ENERGY_FY, NULL, &work));
    add("hfy_energy_constant");
    seen(hfy_net_check(NULL, &net, &work));
    add("hfy_net_check");
  }
  room_net_matrix();
  room_net_large();
  room_net_wide();
}

/* ------------------------------------------------------------------------------------------------------------------
   file
   ------------------------------------------------------------------------------------------------------------------ */
static void put_npy(const hfy_npy *npy) {
  put_u64(npy->rank);
  put_sizes(npy->shape, HFY_FILE_RANK);
  put_u64(npy->count);
  put_u64(npy->item_size);
  put_u64(npy->data_offset);
  put(&npy->type, 1);
  put(&npy->swapped, 1);
  put(&npy->fortran, 1);
}

/* a .npy of this format version and dictionary with `data` bytes of elements; its size */
static size_t make_npy(unsigned char *bytes, int version, const char *dictionary, size_t data) {
  size_t length = strlen(dictionary), at = version == 1 ? 10 : 12, i;
  memcpy(bytes, "\x93NUMPY", 6);
  bytes[6] = (unsigned char)version;
  bytes[7] = 0;
  bytes[8] = (unsigned char)(length & 255);
  bytes[9] = (unsigned char)(length >> 8);
  if (version != 1) bytes[10] = bytes[11] = 0;
  memcpy(bytes + at, dictionary, length);
  for (i = 0; i < data; i++) bytes[at + length + i] = (unsigned char)(below(256) & 0xBF);
  return at + length + data;
}

#ifdef HFY_PARAM_NAME
/* a table of a few entries with gaps, in any order; 200 elements are enough for them */
static void make_table(hfy_param *table, size_t entries) {
  static const char *const names[] = {"pooling_weights", "association_core.in_proj_weight", "norm_state_pattern.bias",
                                      "linear_output.weight", "beta"};
  size_t i, axis, at = 0;
  memset(table, 0, entries * sizeof *table);
  for (i = 0; i < entries; i++) {
    hfy_param *p = table + (entries - 1 - i);
    strcpy(p->name, names[entries - 1 - i]);
    p->offset = at + below(3);
    p->rank = below(4);
    p->count = 1;
    for (axis = 0; axis < p->rank; axis++) p->count *= p->shape[axis] = 1 + below(3);
    p->start = (hfy_param_start)below(6);
    p->value = hfy_rng_normal(&rng);
    p->spread = hfy_rng_uniform(&rng);
    at = p->offset + p->count;
  }
}

static void room_file_param(void) {
  static const char *const path = "checksum.safetensors", *const dtypes[] = {"F64", "F32", "F16", "BF16", "I32"};
  static const size_t sizes[] = {8, 4, 2, 2, 4};
  unsigned char bytes[4000];
  hfy_param table[5], one;
  hfy_real x[200], out[200];
  size_t i, k, size, entries;
  memset(&one, 0, sizeof one);
  strcpy(one.name, "a");
  one.rank = 1;
  one.count = one.shape[0] = 16;
  for (i = 0; i < 60; i++) {
    hfy_rng dice = hfy_rng_seed(i);
    FILE *file;
    entries = i % 6;
    make_table(table, entries);
    if (i == 20) table[0].start = (hfy_param_start)6;
    if (i == 26) table[0].rank = 4;
    if (i == 32) table[0].count++;
    if (i == 38) table[1] = table[0];
    if (i == 44) table[0].name[0] = '"';
    memset(x, 0x4B, sizeof x);
    seen(hfy_param_init(table, entries, i == 50 ? NULL : &dice, i == 56 ? NULL : x, &work));
    put_real(x, 200);
    put_u64(dice.state);
    add("hfy_param_init");
    size = 0;
    seen(hfy_file_safetensors_encode(table, entries, x, i % 7 ? bytes : NULL, i % 9 ? sizeof bytes : 40, &size, &work));
    put(bytes, i % 7 ? size : 0);
    put_u64(size);
    add("hfy_file_safetensors_encode");
    seen(hfy_file_safetensors_write(path, table, entries, x, &work));
    file = fopen(path, "rb");
    size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file) fclose(file);
    put(bytes, size);
    add("hfy_file_safetensors_write");
    for (k = 0; k < 12; k++) {
      if (k && size) bytes[k < 6 ? below(size) : below(size < 300 ? size : 300)] = (unsigned char)below(128);
      memset(out, 0x4B, sizeof out);
      seen(hfy_file_safetensors_decode(bytes, k == 11 ? size / 2 : size, table, entries, out, &work));
      put_real(out, 200);
      add("hfy_file_safetensors_decode");
    }
    memset(out, 0x4B, sizeof out);
    seen(hfy_file_safetensors_read(path, table, entries, out, &work));
    put_real(out, 200);
    add("hfy_file_safetensors_read");
  }
  for (i = 0; i < 20; i++) { /* every type */
    char *header = (char *)bytes + 8;
    int length = sprintf(header, "{\"a\":{\"dtype\":\"%s\",\"shape\":[16],\"data_offsets\":[0,%u]}}", dtypes[i % 5],
                         (unsigned)(16 * sizes[i % 5]));
    memset(bytes, 0, 8);
    bytes[0] = (unsigned char)length;
    for (k = 0; k < 16 * sizes[i % 5]; k++) header[(size_t)length + k] = (char)(hfy_rng_u64(&rng) & 0x7F);
    memset(out, 0x4B, sizeof out);
    seen(hfy_file_safetensors_decode(bytes, 8 + (size_t)length + k, &one, 1, out, &work));
    put_real(out, 17);
    add("hfy_file_safetensors_decode");
  }
  remove(path);
  seen(hfy_file_safetensors_read(path, &one, 1, out, &work));
  seen(hfy_file_safetensors_read(NULL, &one, 1, out, &work));
  add("hfy_file_safetensors_read");
}
#endif

static void room_file(void) {
  static const char *const dictionaries[] = {
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }   \n",
    "{'descr': '>f4', 'fortran_order': True, 'shape': (3, 4), }\n",
    "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 3, 2), }\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (12,), }\n",
    "{'descr': '|i1', 'fortran_order': False, 'shape': (12,), }\n",
    "{'descr': '<i4', 'fortran_order': False, 'shape': (4, 3), }\n",
    "{'descr': '<i8', 'fortran_order': True, 'shape': (4, 3), }\n",
    "{'descr': '>i8', 'fortran_order': False, 'shape': (), }\n",
    "{'shape': (1, 2, 1, 2, 1, 3, 1, 1), 'fortran_order': False, 'descr': '<f4'}\n",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4), }\n",
    "{'descr': '<f2', 'fortran_order': False, 'shape': (3, 4), }\n",
    "{'descr': '<c8', 'fortran_order': False, 'shape': (3, 4), }\n",
    "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (3, 4), }\n",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)\n",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }\n",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }\n",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 4), }\n",
    "{'descr': '<f4', 'shape': (3, 4), }\n",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), 'more': 1}\n",
    "",
};
  static const size_t shapes[][HFY_FILE_RANK] = {{3, 4}, {12}, {2, 3, 2, 1}, {0, 7}, {1000000, 2}};
  static const char *const path = "checksum.npy";
  unsigned char bytes[600], head[300];
  hfy_real out[16], x[12];
  hfy_npy npy;
  size_t i, rank, size;
  int version;
  for (i = 0; i < 12; i++) x[i] = (hfy_real)hfy_rng_normal(&rng);
  for (i = 0; i < COUNT_OF(dictionaries); i++) {
    for (version = 1; version <= 4; version++) {
      size_t lack = version == 4 ? 4 : 0;
      size = make_npy(bytes, version == 4 ? 1 : version, dictionaries[i], 96);
      memset(&npy, 0, sizeof npy);
      seen(hfy_file_npy_parse(bytes, size, &npy, &work));
      put_npy(&npy);
      add("hfy_file_npy_parse");
      memset(out, 0x4B, sizeof out);
      seen(hfy_file_npy_decode(bytes, size - lack * 18, out, 12 - lack / 4 * (i % 2), &npy, &work));
      put_real(out, 16);
      put_npy(&npy);
      add("hfy_file_npy_decode");
    }
  }
  for (i = 0; i < 200; i++) { /* damaged and cut */
    size = make_npy(bytes, 1, dictionaries[i % 11], 96);
    if (i % 2)
      size = below(size);
    else
      bytes[below(80)] = (unsigned char)below(256);
    memset(&npy, 0, sizeof npy);
    seen(hfy_file_npy_parse(bytes, size, &npy, &work));
    put_npy(&npy);
    add("hfy_file_npy_parse");
    memset(out, 0x4B, sizeof out);
    seen(hfy_file_npy_decode(bytes, size, out, 12, NULL, &work));
    put_real(out, 16);
    add("hfy_file_npy_decode");
  }
  for (i = 0; i < COUNT_OF(shapes); i++) {
    for (rank = 0; rank <= HFY_FILE_RANK + 1; rank++) {
      memset(head, 0, sizeof head);
      size = 5;
      seen(hfy_file_npy_header(shapes[i], rank, head, i % 2 ? sizeof head : 256, &size, &work));
      put_u64(size);
      put(head, sizeof head);
      add("hfy_file_npy_header");
    }
  }
  seen(hfy_file_npy_header(shapes[0], 2, head, 100, &size, &work));
  seen(hfy_file_npy_header(NULL, 2, head, 256, &size, &work));
  seen(hfy_file_npy_header(shapes[0], 2, NULL, 256, &size, &work));
  seen(hfy_file_npy_header(shapes[0], 2, head, 256, NULL, &work));
  add("hfy_file_npy_header");
  seen(hfy_file_npy_parse(NULL, 9, &npy, &work));
  seen(hfy_file_npy_parse(bytes, 9, NULL, &work));
  add("hfy_file_npy_parse");
  seen(hfy_file_npy_decode(NULL, 9, out, 12, NULL, &work));
  seen(hfy_file_npy_decode(bytes, 9, NULL, 12, NULL, &work));
  add("hfy_file_npy_decode");
  for (i = 0; i < 4; i++) {
    FILE *file;
    seen(hfy_file_npy_write(path, x, shapes[i], i == 3 ? 2 : i == 1 ? 1 : 2 + i / 2, &work));
    memset(bytes, 0, sizeof bytes);
    file = fopen(path, "rb");
    size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file) fclose(file);
    put(bytes, size);
    add("hfy_file_npy_write");
    memset(&npy, 0, sizeof npy);
    seen(hfy_file_npy_info(path, &npy, &work));
    put_npy(&npy);
    add("hfy_file_npy_info");
    memset(out, 0x4B, sizeof out);
    seen(hfy_file_npy_read(path, out, i == 2 ? 11 : 12, i ? &npy : NULL, &work));
    put_real(out, 16);
    add("hfy_file_npy_read");
  }
  for (i = 0; i < COUNT_OF(dictionaries); i++) {
    FILE *file = fopen(path, "wb");
    size = make_npy(bytes, 2, dictionaries[i], i % 4 == 3 ? 40 : 96);
    if (file) {
      fwrite(bytes, 1, size, file);
      fclose(file);
    }
    memset(&npy, 0, sizeof npy);
    seen(hfy_file_npy_info(path, &npy, &work));
    put_npy(&npy);
    add("hfy_file_npy_info");
    memset(out, 0x4B, sizeof out);
    seen(hfy_file_npy_read(path, out, 12, NULL, &work));
    put_real(out, 16);
    add("hfy_file_npy_read");
  }
  remove(path);
  seen(hfy_file_npy_info(path, &npy, &work));
  seen(hfy_file_npy_info(NULL, &npy, &work));
  seen(hfy_file_npy_info(path, NULL, &work));
  add("hfy_file_npy_info");
  seen(hfy_file_npy_read(path, out, 12, NULL, &work));
  seen(hfy_file_npy_read(NULL, out, 12, NULL, &work));
  seen(hfy_file_npy_read(path, NULL, 12, NULL, &work));
  add("hfy_file_npy_read");
  seen(hfy_file_npy_write("no/such/place.npy", x, shapes[0], 2, &work));
  seen(hfy_file_npy_write(NULL, x, shapes[0], 2, &work));
  seen(hfy_file_npy_write(path, NULL, shapes[0], 2, &work));
  seen(hfy_file_npy_write(path, x, NULL, 2, &work));
  seen(hfy_file_npy_write(path, x, shapes[0], 9, &work));
  add("hfy_file_npy_write");
#ifdef HFY_PARAM_NAME
  room_file_param();
#endif
}

/* ------------------------------------------------------------------------------------------------------------------
   layer
   ------------------------------------------------------------------------------------------------------------------ */
#ifndef NO_LAYER /* checksum.sh defines it for a header that has none */
static void put_table(const hfy_param *table, size_t entries, size_t end) {
  size_t i;
  for (i = 0; i < entries; i++) {
    put_text(table[i].name);
    put_u64(table[i].offset);
    put_sizes(table[i].shape, table[i].rank);
    put_u64((uint64_t)table[i].start);
    put_number(table[i].value);
    put_number(table[i].spread);
  }
  put_u64(end);
}

/* Zeros everywhere but where gradients go; started at the table's values and moved a little. */
static hfy_real *start_of(const hfy_param *table, size_t entries, size_t end) {
  hfy_real *params = zeros(end + 1000);
  size_t i;
  hfy_param_init(table, entries, &rng, params, &work);
  for (i = 0; i < end; i++) params[i] += (hfy_real)(0.2 * hfy_rng_normal(&rng));
  return params;
}

static void make_layer(hfy_layer *l, hfy_layer_input *in) {
  static const hfy_sep_kind kinds[] = {HFY_SEP_SOFTMAX, HFY_SEP_SOFTMAX, HFY_SEP_SPARSEMAX, HFY_SEP_ENTMAX,
                                       HFY_SEP_NORMMAX};
  size_t bags = below(4), b, rows = 0, stored = 0, *state_rows = TAKE(size_t, 4), *stored_rows = TAKE(size_t, 4);
  memset(l, 0, sizeof *l);
  memset(in, 0, sizeof *in);
  l->width = 4;
  l->heads = below(3);
  if (chance(0.2)) l->stored_width = 6;
  if (chance(0.2)) l->value_width = 3;
  if (chance(0.2)) l->projected_width = 5;
  if (chance(0.3)) l->queries = 1 + below(3);
  if (!l->queries && chance(0.3)) l->memories = 1 + below(5);
  if (chance(0.6)) l->flags = (unsigned)(hfy_rng_u64(&rng) & hfy_rng_u64(&rng) & 1023);
  l->positions = 5;
  l->norm_state = (hfy_layer_norm)below(3);
  l->norm_stored = (hfy_layer_norm)below(3);
  l->norm_projected = (hfy_layer_norm)below(3);
  l->norm_space = chance(0.4) ? (int)below(3) : 0;
  l->static_state = chance(0.15);
  l->static_stored = chance(0.1);
  l->static_projected = chance(0.1);
  l->sep.kind = PICK(kinds);
  if (chance(0.2)) l->post.kind = HFY_POST_L2;
  l->extra_steps = chance(0.5) ? 0 : 1 + below(2);
  l->implicit = chance(0.1);
  if (l->implicit) l->tol = 1e-5;
  l->dropout = chance(0.3) ? 0.3 : 0;
  in->bags = bags;
  for (b = 0; b < bags; b++) {
    rows += state_rows[b] = l->queries ? l->queries : 1 + below(4);
    stored += stored_rows[b] = l->memories ? l->memories : 1 + below(5);
  }
  in->state_rows = state_rows;
  in->stored_rows = stored_rows;
  in->stored = normals(6 * stored + 1, 1);
  if (chance(0.7)) in->state = normals(6 * rows + 1, 1);
  if (!l->memories && (l->projected_width || chance(0.2))) in->projected = normals(6 * stored + 1, 1);
  if (chance(0.2)) in->mask = scores_of(1, 10 * (rows + stored) * (stored + 1), 1, 1);
  if (!l->memories && chance(0.2)) {
    unsigned char *padding = TAKE(unsigned char, stored + 1);
    for (b = 0; b < stored; b++) padding[b] = chance(0.2);
    in->padding = padding;
  }
  in->causal = chance(0.2);
  in->training = chance(0.5);
  in->seed = hfy_rng_u64(&rng);
}

static void room_layer(void) {
  enum { WIDE = 4000, MOST = 64 };
  hfy_param table[MOST];
  size_t i, k, n;
  for (i = 0; i < 1500; i++) { /* layers */
    hfy_layer layer, full;
    hfy_layer_input in;
    hfy_layer_report report;
    hfy_layer_grad grad;
    size_t entries = 0, end = 0, reals = 0;
    hfy_real *params, *tape, *out = (arena_used = 0, zeros(WIDE)), *dout = normals(WIDE, 1);
    make_layer(&layer, &in);
    memset(&full, 0, sizeof full);
    seen(hfy_layer_check(&layer, &full, &work));
    put_u64(full.head_width + 100 * full.out_width + 10000 * full.extra_steps);
    put_number(full.beta);
    add("hfy_layer_check");
    seen(hfy_layer_params(&layer, i % 2 ? "a." : NULL, i % 5, table, i % 11 ? MOST : 3, &entries, &end, &work));
    put_table(table, entries, end);
    add("hfy_layer_params");
    params = start_of(table, entries, end) + i % 5;
    seen(hfy_layer_tape(&layer, &in, &reals, &work));
    put_u64(reals);
    add("hfy_layer_tape");
    tape = zeros(reals + 1);
    in.tape_reals = i % 13 ? reals : reals / 2;
    memset(&report, 0, sizeof report);
    report.status = (hfy_status *)memset(TAKE(hfy_status, 64), 0, 64 * sizeof(hfy_status));
    if (i % 3 == 1) report.weights = zeros(WIDE);
    if (i % 3 == 2) report.k = zeros(WIDE);
    if (i % 4 == 1) report.energy = double_zeros(WIDE);
    if (i % 4 == 2) report.steps = (size_t *)memset(TAKE(size_t, WIDE), 0, WIDE * sizeof(size_t));
    seen(hfy_layer_forward(&layer, params, &in, out, i % 7 ? tape : NULL, i % 2 ? &report : NULL, &work));
    put_real(out, WIDE);
    for (k = 0; k < 64; k++) put_u64((uint64_t)report.status[k]);
    put_real(report.weights, report.weights ? WIDE : 0);
    put_real(report.k, report.k ? WIDE : 0);
    put_double(report.energy, report.energy ? WIDE : 0);
    put_sizes(report.steps, report.steps ? WIDE : 0);
    add("hfy_layer_forward");
    memset(&grad, 0, sizeof grad);
    grad.params = zeros(WIDE) + i % 5;
    grad.stored = layer.memories || i % 17 == 3 ? NULL : zeros(WIDE);
    grad.state = in.state && !layer.queries ? zeros(WIDE) : NULL;
    grad.projected = in.projected ? zeros(WIDE) : NULL;
    grad.mask = in.mask ? zeros(WIDE) : NULL;
    seen(hfy_layer_backward(&layer, params, &in, tape, dout, &grad, &work));
    put_real(grad.params - i % 5, WIDE);
    put_real(grad.stored, grad.stored ? WIDE : 0);
    put_real(grad.state, grad.state ? WIDE : 0);
    put_real(grad.projected, grad.projected ? WIDE : 0);
    put_real(grad.mask, grad.mask ? WIDE : 0);
    add("hfy_layer_backward");
  }
  for (i = 0; i < 200; i++) { /* dense layers, the optimiser */
    hfy_dense dense;
    hfy_optimiser how;
    size_t entries = 0, end = 0, rows = below(6);
    hfy_real *params, *x, *y, *dx, *grads, *moments, *to[2];
    double norm = 0;
    arena_used = 0;
    memset(&dense, 0, sizeof dense);
    dense.in = below(20);
    dense.out = 1 + below(20);
    dense.kind = (hfy_dense_kind)below(6);
    dense.no_bias = chance(0.3);
    seen(hfy_dense_params(&dense, NULL, 0, table, MOST, &entries, &end, &work));
    put_table(table, entries, end);
    add("hfy_dense_params");
    params = start_of(table, entries, end);
    x = normals(dense.in * rows + 1, 2);
    y = zeros(dense.out * rows + 1);
    dx = zeros(dense.in * rows + 1);
    grads = zeros(end + 1);
    moments = zeros(2 * end + 2);
    seen(hfy_dense_forward(&dense, params, x, rows, y, &work));
    put_real(y, dense.out * rows);
    add("hfy_dense_forward");
    to[0] = i % 3 ? dx : NULL;
    to[1] = i % 4 ? grads : NULL;
    seen(hfy_dense_backward(&dense, params, x, y, y, rows, to, &work));
    put_real(dx, dense.in * rows);
    put_real(grads, end);
    add("hfy_dense_backward");
    memset(&how, 0, sizeof how);
    how.decay = chance(0.5) ? 0.1 : 0;
    how.clip = chance(0.5) ? 0.5 : 0;
    how.sgd = chance(0.3);
    how.beta1 = i % 9 ? 0.8 : 1.5;
    for (k = 0; k < 3; k++) seen(hfy_optimiser_step(&how, table, entries, params, grads, moments, &norm, &work));
    put_real(params, end);
    put_real(moments, 2 * end);
    put_number(norm);
    add("hfy_optimiser_step");
  }
  for (i = 0; i < 120; i++) { /* blocks */
    hfy_block block;
    hfy_layer_input in, memory;
    hfy_layer_grad grad;
    size_t entries = 0, end = 0, reals = 0;
    hfy_real *params, *tape, *out = (arena_used = 0, zeros(WIDE));
    memset(&block, 0, sizeof block);
    memset(&in, 0, sizeof in);
    memset(&memory, 0, sizeof memory);
    block.self.width = 4 + 2 * below(2);
    block.self.heads = 2;
    if (chance(0.5)) block.cross = block.self;
    block.inner = 1 + below(6);
    block.kind = (hfy_dense_kind)below(5);
    block.dropout = chance(0.3) ? 0.2 : 0;
    in.bags = memory.bags = below(3);
    in.stored_each = 1 + below(3);
    memory.stored_each = 1 + below(3);
    n = in.bags * in.stored_each * block.self.width;
    in.stored = normals(n + 1, 1);
    memory.stored = normals(100, 1);
    in.training = chance(0.5);
    in.seed = i;
    seen(hfy_block_params(&block, "b.", 0, table, MOST, &entries, &end, &work));
    put_table(table, entries, end);
    add("hfy_block_params");
    params = start_of(table, entries, end);
    seen(hfy_block_tape(&block, &in, i % 11 ? &memory : NULL, &reals, &work));
    put_u64(reals);
    add("hfy_block_tape");
    tape = zeros(reals + 1);
    in.tape_reals = reals;
    seen(hfy_block_forward(&block, params, &in, i % 11 ? &memory : NULL, out, tape, NULL, &work));
    put_real(out, n);
    add("hfy_block_forward");
    memset(&grad, 0, sizeof grad);
    grad.params = zeros(end + 1);
    grad.stored = zeros(n + 1);
    grad.projected = block.cross.width ? zeros(100) : NULL;
    seen(hfy_block_backward(&block, params, &in, i % 11 ? &memory : NULL, tape, normals(n + 1, 1), &grad, &work));
    put_real(grad.params, end);
    put_real(grad.stored, n);
    put_real(grad.projected, grad.projected ? 100 : 0);
    add("hfy_block_backward");
  }
}
#endif

/* ------------------------------------------------------------------------------------------------------------------
   shard
   ------------------------------------------------------------------------------------------------------------------ */
static void one_shard(hfy_net *net, const hfy_real *queries, size_t rows, size_t capacity) {
  size_t bytes = hfy_shard_bytes(net, rows, capacity), part, first = 0, used;
  size_t stride = net->key_stride ? net->key_stride : net->dim;
  size_t values = net->value_stride ? net->value_stride : net->dim;
  size_t readout = net->readout_stride ? net->readout_stride : net->readout_dim;
  hfy_real *out = TAKE(hfy_real, rows * width(net));
  hfy_report *report = make_report(net, rows, 1);
  unsigned char *whole = NULL, *partial;
  hfy_status status = HFY_OK;
  put_u64(bytes);
  add("hfy_shard_bytes");
  if (bytes == SIZE_MAX) bytes = 4096;
  report->cycle = NULL;
  for (part = 0; part < 3 && !status; part++) {
    hfy_net slice = *net;
    size_t n = part == 2 ? net->count - first : below(net->count - first + 1);
    slice.count = n;
    slice.keys += first * stride;
    if (net->values) slice.values += first * values;
    if (net->readout) slice.readout += first * readout;
    if (net->bias) slice.bias += first;
    slice.index = net->index && n ? index_of(slice.keys, n, net->dim, stride, SIZE_MAX, 0) : NULL;
    partial = (unsigned char *)take(bytes);
    status = seen(hfy_shard_find(&slice, first, queries, rows, capacity, partial, bytes, &work));
    used = hfy_shard_used(partial, bytes);
    if (!status) put(partial, used);
    add("hfy_shard_find");
    put_u64(used);
    add("hfy_shard_used");
    put_u64(hfy_shard_needed(partial, bytes));
    add("hfy_shard_needed");
    if (whole && !status) {
      status = seen(hfy_shard_merge(whole, bytes, partial, used, &work));
      put(whole, hfy_shard_used(whole, bytes));
      add("hfy_shard_merge");
      put_u64(hfy_shard_needed(whole, bytes));
      add("hfy_shard_needed");
      seen(hfy_shard_merge(whole, bytes, partial, used, &work)); /* a pattern in both, unless empty */
      add("hfy_shard_merge");
    }
    if (!whole) whole = partial;
    if (part == 0) {
      seen(hfy_shard_finish(net, queries, rows, whole, bytes, out, NULL, &work)); /* not all are there */
      add("hfy_shard_finish");
    }
    first += n;
  }
  seen(hfy_shard_finish(net, queries, rows, whole, bytes, out, net->readout ? NULL : report, &work));
  put_real(out, rows * width(net));
  if (!net->readout) {
    for (part = 0; part < rows; part++) put_u64((uint64_t)report->status[part]);
    put_sizes(report->best, rows);
    put_double(report->residual, rows);
  }
  add("hfy_shard_finish");
  if (bytes < 200) return;
  whole[below(150)] ^= 8;
  seen(hfy_shard_finish(net, queries, rows, whole, bytes, out, NULL, &work));
  add("hfy_shard_finish");
  put_u64(hfy_shard_used(whole, bytes));
  put_u64(hfy_shard_used(whole, 20));
  put_u64(hfy_shard_used(NULL, 20));
  add("hfy_shard_used");
}

static void room_shard(void) {
  static const size_t dims[] = {1, 3, 8, 17, 64}, counts[] = {1, 2, 9, 33, 100}, batches[] = {1, 2, 3, 17};
  static const size_t capacities[] = {0, 0, 2, 8, 200};
  size_t i, which;
  hfy_net net;
  hfy_real *queries, *seps;
  for (i = 0; i < 600; i++) {
    size_t dim = PICK(dims), count = PICK(counts), rows = PICK(batches);
    const char *kind;
    arena_used = 0;
    kind = make_net(&net, dim, count, rows, 0, &queries);
    /* mostly what has partials */
    for (which = i % SEPS; i % 5 && strcmp(kind, "softmax"); which = (which + 1) % SEPS) {
      kind = make_sep(&net.sep, which, count, rows);
      if (hfy_shard_bytes(&net, rows, 0) != SIZE_MAX) break;
    }
    one_shard(&net, queries, rows, PICK(capacities));
  }
  arena_used = 0;
  make_net(&net, 4, 6, 2, 1, &queries);
  memset(&net.sep, 0, sizeof net.sep);
  seps = normals(4096, 1);
  put_u64(hfy_shard_bytes(NULL, 2, 0));
  put_u64(hfy_shard_bytes(&net, SIZE_MAX / 8, 0));
  add("hfy_shard_bytes");
  seen(hfy_shard_find(NULL, 0, queries, 2, 0, seps, 4096, &work));
  seen(hfy_shard_find(&net, 0, NULL, 2, 0, seps, 4096, &work));
  seen(hfy_shard_find(&net, 0, queries, 0, 0, seps, 4096, &work));
  seen(hfy_shard_find(&net, 0, queries, 2, 0, NULL, 4096, &work));
  seen(hfy_shard_find(&net, 0, queries, 2, 0, seps, 100, &work));
  seen(hfy_shard_find(&net, UINT64_MAX, queries, 2, 0, seps, 4096, &work));
  add("hfy_shard_find");
  seen(hfy_shard_merge(seps, 4096, seps, 4096, &work));
  seen(hfy_shard_merge(NULL, 4096, seps, 4096, &work));
  seen(hfy_shard_merge(seps, 4096, NULL, 4096, &work));
  seen(hfy_shard_merge(seps, 4096, seps + 1000, 96, &work));
  add("hfy_shard_merge");
  seen(hfy_shard_finish(&net, queries, 2, seps, 4096, seps, NULL, &work));
  seen(hfy_shard_finish(NULL, queries, 2, seps, 4096, seps, NULL, &work));
  seen(hfy_shard_finish(&net, NULL, 2, seps, 4096, seps, NULL, &work));
  seen(hfy_shard_finish(&net, queries, 2, NULL, 4096, seps, NULL, &work));
  add("hfy_shard_finish");
}

/* ------------------------------------------------------------------------------------------------------------------
   theory
   ------------------------------------------------------------------------------------------------------------------ */
static void theory_of_net(hfy_net *net, const hfy_real *queries, size_t rows) {
  size_t N = net->count, D = net->dim, i;
  hfy_theory_separation out;
  hfy_theory_convergence c;
  hfy_theory_jacobian_norm norms;
  hfy_theory_metastability m;
  hfy_theory_association a;
  double *slack = TAKE(double, rows), *lower = TAKE(double, rows), upper = 5, *jacobian = TAKE(double, D *D);
  size_t k = net->sep.k >= 1 ? (size_t)net->sep.k : 1, *chosen = TAKE(size_t, rows * k);
  size_t *patterns = TAKE(size_t, N + 2);
  out.separation = TAKE(double, N);
  out.rival = TAKE(size_t, N);
  out.stationary = TAKE(unsigned char, N);
  out.radius = chance(0.8) ? TAKE(double, N) : NULL;
  out.radius_bound = chance(0.8) ? TAKE(double, N) : NULL;
  seen(hfy_theory_separate(net, &out, &work));
  put_double(out.separation, N);
  put_sizes(out.rival, N);
  put(out.stationary, N);
  if (out.radius) put_double(out.radius, N);
  if (out.radius_bound) put_double(out.radius_bound, N);
  memset(&out, 0, sizeof out);
  out.separation = lower = TAKE(double, N);
  seen(hfy_theory_separate(net, &out, &work));
  put_double(out.separation, N);
  add("hfy_theory_separate");
  seen(hfy_theory_retrieves(net, queries, rows, slack, chance(0.7) ? chosen : NULL, &work));
  put_double(slack, rows);
  put_sizes(chosen, rows * k);
  add("hfy_theory_retrieves");
  lower = TAKE(double, rows);
  seen(hfy_theory_bound_energy(net, queries, rows, lower, &upper, &work));
  put_double(lower, rows);
  put_number(upper);
  add("hfy_theory_bound_energy");
  memset(&c, 0, sizeof c);
  seen(hfy_theory_converges(net, below(N + N / 8), chance(0.5) ? NULL : queries, &c, &work));
  {
    const double numbers[] = {c.separation,  c.largest,        c.sphere,      c.needed, c.residual,
                              c.error,       c.query_distance, c.before,      c.after,  c.contraction,
                              c.error_bound, c.error_sphere,   c.error_closed, c.lead, c.update,
                              c.update_lead, c.update_bound};
    put_double(numbers, COUNT_OF(numbers));
    put_u64((uint64_t)c.stored * 2 + (uint64_t)c.inside);
    put_u64(c.steps);
    add("hfy_theory_converges");
  }
  memset(&norms, 0, sizeof norms);
  seen(hfy_theory_jacobian(net, queries, jacobian, &norms, &work));
  put_double(jacobian, D * D);
  {
    const double numbers[] = {norms.norm, norms.by_spectrum, norms.by_largest, norms.by_spread, norms.by_top};
    put_double(numbers, COUNT_OF(numbers));
    add("hfy_theory_jacobian");
  }
  memset(&a, 0, sizeof a);
  for (i = 0; i < k && i < N; i++) patterns[i] = chance(0.05) ? below(N) : i;
  seen(hfy_theory_associates(net, patterns, k < N ? k : N, &a, &work));
  {
    const double numbers[] = {a.separation, a.overlap, a.distance, a.spectral, a.longest, a.needed, a.radius};
    put_double(numbers, COUNT_OF(numbers));
    add("hfy_theory_associates");
  }
  memset(&m, 0, sizeof m);
  seen(hfy_theory_settles(net, patterns, k < N ? k : N, k % 2 ? NULL : queries, &m, &work));
  {
    const double numbers[] = {m.mean.separation,  m.mean.largest,     m.mean.sphere,         m.mean.needed,
                              m.mean.residual,    m.mean.error,       m.mean.query_distance, m.mean.before,
                              m.mean.after,       m.mean.contraction, m.mean.error_bound,    m.mean.error_sphere,
                              m.mean.error_closed, m.mean.lead,       m.mean.update,         m.mean.update_lead,
                              m.mean.update_bound, m.spread,          m.outside,             m.update_outside,
                              m.jacobian_bound};
    put_double(numbers, COUNT_OF(numbers));
    put_u64((uint64_t)m.mean.stored * 2 + (uint64_t)m.mean.inside);
    put_u64(m.mean.steps);
    add("hfy_theory_settles");
  }
}

static void room_theory(void) {
  static const size_t dims[] = {1, 2, 5, 8, 17, 40}, counts[] = {1, 2, 5, 9, 16, 33, 70}, batches[] = {1, 2, 5};
  static const double xs[] = {-1, -0.5, 0, 1e-300, 1e-9, 0.1, 0.5, 0.9, 1, 1.5, 2, 5, 40, 1e4, 1e300, HUGE_VAL};
  static const size_t seps[] = {1, 5, 13, 19, 20, 25, 29, 30, 31, 32, 33, 38, 39, 0};
  size_t i, j;
  double w;
  for (i = 0; i < 500; i++) {
    size_t count = PICK(counts), rows = PICK(batches), dim = PICK(dims);
    hfy_net net;
    hfy_real *queries;
    arena_used = 0;
    make_net(&net, dim, count, rows, 1, &queries);
    if (i % 4) { /* mostly the plain net that the theorems speak of */
      net.visible = NULL;
      net.bias = NULL;
      net.self_coupling = NULL;
      memset(&net.post, 0, sizeof net.post);
    }
    if (i % 3) make_sep(&net.sep, i % 2 ? 0 : PICK(seps), count, rows);
    theory_of_net(&net, queries, rows);
  }
  for (i = 0; i < 300; i++) {
    hfy_theory_sphere s;
    hfy_theory_exact e;
    hfy_theory_softmax m;
    double x = PICK(xs), y = PICK(xs), z = PICK(xs), dim = 2 + 20 * PICK(xs), value = 3, other = 3;
    if (i % 2) {
      x = hfy_rng_uniform(&rng) + 0.2;
      y = 3 * hfy_rng_uniform(&rng) + 0.1;
      z = 1 + 3 * hfy_rng_uniform(&rng);
      dim = 2 + floor(200 * hfy_rng_uniform(&rng));
    }
    memset(&s, 0, sizeof s);
    memset(&e, 0, sizeof e);
    memset(&m, 0, sizeof m);
    s.dim = dim;
    s.radius = i % 2 ? sqrt(dim - 1) * z : z;
    s.beta = y;
    s.margin = i % 5 ? 2 * x : 0;
    s.failure = i % 2 ? 0.01 * x : x;
    s.angle = chance(0.5) ? 0 : x;
    s.zeta = chance(0.7) ? 0 : 1 + 0.01 * y;
    seen(hfy_theory_capacity_exact(&s, &e, &work));
    {
      const double numbers[] = {e.placed_log, e.placed_count, e.placed_radius, e.zeta_limit, e.zeta,
                                e.random_log, e.random_count, e.random_radius, e.kappa};
      put_double(numbers, COUNT_OF(numbers));
      add("hfy_theory_capacity_exact");
    }
    seen(hfy_theory_capacity_softmax(&s, &m, &work));
    {
      const double numbers[] = {m.a, m.b, m.c, m.c_needed, m.c_bound, m.log_count, m.count, (double)m.holds};
      put_double(numbers, COUNT_OF(numbers));
      add("hfy_theory_capacity_softmax");
    }
    seen(hfy_theory_dimension(y, z, 1 + x, s.failure, &value, &work));
    put_number(value);
    add("hfy_theory_dimension");
    seen(hfy_theory_slack((hfy_theory_law)(i % 7 == 6 ? 5 : i % 2), dim, y, z, 1 + x, &value, &work));
    put_number(value);
    add("hfy_theory_slack");
    seen(hfy_theory_capacity_binary(0.5 * x, dim, &value, i % 3 ? &other : NULL, &work));
    put_number(value);
    put_number(other);
    add("hfy_theory_capacity_binary");
  }
  for (i = 0; i < COUNT_OF(xs); i++) {
    for (j = 0; j < 40; j++) {
      double x = xs[i] * (j ? hfy_rng_uniform(&rng) : 1) * (j % 2 ? 1 : exp(-1.0));
      w = 7;
      seen(hfy_theory_lambert(j % 13 == 12 ? 2 : -(int)(j % 2), j % 4 == 1 ? -x * 0.3 : x, &w, &work));
      put_number(w);
      add("hfy_theory_lambert");
      put_number(hfy_theory_lambert_exp(j % 2 ? x : -x));
      add("hfy_theory_lambert_exp");
    }
  }
  w = 0;
  put_number(hfy_theory_lambert_exp((double)NAN));
  add("hfy_theory_lambert_exp");
  seen(hfy_theory_lambert(0, (double)NAN, &w, &work));
  seen(hfy_theory_lambert(0, 1, NULL, &work));
  add("hfy_theory_lambert");
  for (i = 0; i < 60; i++) {
    size_t n = 1 + below(70), rows = 1 + below(4), *sizes, classes;
    hfy_real *weights;
    double median = 9, *norms, *sums;
    int operating = 9;
    arena_used = 0;
    weights = normals(n * rows, 1);
    sizes = TAKE(size_t, rows);
    norms = TAKE(double, rows);
    sums = TAKE(double, rows);
    for (j = 0; j < n * rows; j++) weights[j] = (hfy_real)fabs((double)weights[j]) / (hfy_real)n;
    if (chance(0.1)) weights[0] = (hfy_real)(chance(0.5) ? -1 : (double)NAN);
    seen(hfy_theory_metastable(weights, rows, n, i % 3 ? 0 : 0.5 + 0.6 * hfy_rng_uniform(&rng), sizes, &work));
    put_sizes(sizes, rows);
    add("hfy_theory_metastable");
    classes = below(6);
    for (j = 0; j < rows; j++) sizes[j] = below(n + 2);
    seen(hfy_theory_jacobian_softmax(weights, rows, n, 1 + (double)(i % 4), norms, i % 2 ? sums : NULL, &work));
    put_double(norms, rows);
    put_double(sums, rows);
    add("hfy_theory_jacobian_softmax");
    seen(hfy_theory_classify(sizes, classes < rows ? classes : rows, n, &operating, i % 2 ? &median : NULL, &work));
    put_u64((uint64_t)operating);
    put_number(median);
    add("hfy_theory_classify");
  }
  {
    hfy_net net;
    hfy_real *queries;
    double x = 5;
    size_t size = 0;
    int operating = 0;
    arena_used = 0;
    make_net(&net, 5, 6, 2, 1, &queries);
    seen(hfy_theory_separate(&net, NULL, &work));
    add("hfy_theory_separate");
    seen(hfy_theory_retrieves(&net, NULL, 2, &x, NULL, &work));
    seen(hfy_theory_retrieves(&net, queries, 0, &x, NULL, &work));
    seen(hfy_theory_retrieves(NULL, queries, 2, &x, NULL, &work));
    add("hfy_theory_retrieves");
    seen(hfy_theory_bound_energy(&net, NULL, 2, &x, &x, &work));
    seen(hfy_theory_bound_energy(NULL, queries, 2, &x, &x, &work));
    add("hfy_theory_bound_energy");
    seen(hfy_theory_converges(&net, 0, queries, NULL, &work));
    add("hfy_theory_converges");
    seen(hfy_theory_jacobian(&net, NULL, &x, NULL, &work));
    add("hfy_theory_jacobian");
    seen(hfy_theory_settles(&net, NULL, 2, queries, NULL, &work));
    add("hfy_theory_settles");
    seen(hfy_theory_associates(&net, NULL, 2, NULL, &work));
    add("hfy_theory_associates");
    seen(hfy_theory_capacity_exact(NULL, NULL, &work));
    add("hfy_theory_capacity_exact");
    seen(hfy_theory_capacity_softmax(NULL, NULL, &work));
    add("hfy_theory_capacity_softmax");
    seen(hfy_theory_dimension(1, 1, 2, 0.5, NULL, &work));
    add("hfy_theory_dimension");
    seen(hfy_theory_slack(HFY_THEORY_PLACED, 3, 1, 1, 2, NULL, &work));
    add("hfy_theory_slack");
    seen(hfy_theory_capacity_binary(0.1, 3, NULL, &x, &work));
    add("hfy_theory_capacity_binary");
    seen(hfy_theory_jacobian_softmax(NULL, 1, 3, 1, NULL, &x, &work));
    add("hfy_theory_jacobian_softmax");
    seen(hfy_theory_metastable(NULL, 1, 3, 0, &size, &work));
    add("hfy_theory_metastable");
    seen(hfy_theory_classify(NULL, 1, 3, &operating, NULL, &work));
    add("hfy_theory_classify");
  }
}

/* ------------------------------------------------------------------------------------------------------------------
   recall
   ------------------------------------------------------------------------------------------------------------------ */
static void put_recall(const hfy_net *net, const hfy_recall_state *state) {
  put_double(state->left, net->count);
  put_real(state->query, net->dim);
  put_real(state->weights, net->count);
  put_u64(state->recalled);
  put_u64((uint64_t)state->exhausted);
}

static void room_recall(void) {
  static const size_t dims[] = {2, 8, 17, 64}, counts[] = {1, 2, 3, 7, 16, 30};
  size_t i, j, item;
  for (i = 0; i < 250; i++) {
    size_t dim = PICK(dims), count = PICK(counts), *items, made = 77;
    hfy_net net;
    hfy_real *cue;
    hfy_recall how;
    hfy_recall_state state;
    arena_used = 0;
    memset(&how, 0, sizeof how);
    memset(&state, 0, sizeof state);
    make_net(&net, dim, count, 1, 1, &cue);
    if (i % 5) {
      net.self_coupling = NULL;
      if (i % 2) make_sep(&net.sep, i % 3, count, 1);
    }
    if (i % 3 == 2 && i % 5) {
      net.beta = 10;
      net.keys = rows_of(count, dim, net.key_stride ? net.key_stride : dim, 1);
      net.index = NULL;
      memset(&net.post, 0, sizeof net.post);
    }
    how.kind = (hfy_recall_kind)(i % 3);
    how.inner_steps = chance(0.5) ? 0 : 1 + below(5);
    if (chance(0.2)) how.penalty = 100;
    if (chance(0.2)) how.decay = 0.1;
    if (chance(0.2)) how.transition = 1000;
    if (chance(0.2)) how.boost = 1.3;
    if (chance(0.2)) how.rho = 2;
    if (chance(0.2)) how.inner_beta = 3;
    how.bare_cue = chance(0.3);
    if (i % 25 == 7) how.kind = (hfy_recall_kind)5;
    if (i % 25 == 8) how.penalty = -1;
    if (i % 25 == 9) how.decay = 2;
    if (i % 25 == 10) how.boost = 0.5;
    if (i % 25 == 11) how.rho = -1;
    if (i % 25 == 12) how.transition = -1;
    if (i % 25 == 13) how.inner_beta = -1;
    state.left = double_zeros(count);
    state.query = zeros(dim);
    state.weights = zeros(count);
    seen(hfy_recall_begin(&net, &how, cue, &state, &work));
    put_recall(&net, &state);
    add("hfy_recall_begin");
    for (j = 0; j < 6; j++) {
      item = 99;
      seen(hfy_recall_next(&net, &how, &state, &item, &work));
      put_recall(&net, &state);
      put_u64(item);
      add("hfy_recall_next");
    }
    items = TAKE(size_t, 2 * count);
    seen(hfy_recall_all(&net, i % 10 ? &how : NULL, cue, i % 2 ? 0 : 2 * count, items, &made, &work));
    put_sizes(items, 2 * count);
    put_u64(made);
    add("hfy_recall_all");
  }
  for (i = 0; i < 80; i++) {
    size_t a[20], b[20], n = 1 + below(12), length = below(20), other = below(20), distance = 5;
    double ratio = 5;
    hfy_real *bias;
    arena_used = 0;
    for (j = 0; j < 20; j++) {
      a[j] = chance(0.02) ? SIZE_MAX : below(i % 10 ? n : n + 1);
      b[j] = below(n);
    }
    seen(hfy_recall_unique(a, length, n, &ratio, &work));
    put_number(ratio);
    add("hfy_recall_unique");
    seen(hfy_recall_levenshtein(a, length, b, other, i % 3 ? &distance : NULL, i % 4 ? &ratio : NULL, &work));
    put_number(ratio);
    put_u64(distance);
    add("hfy_recall_levenshtein");
    bias = TAKE(hfy_real, 20 * n);
    seen(hfy_recall_bias(i % 4 ? hfy_rng_normal(&rng) + 1 : 0, below(n + 2), 1 + below(19), n, bias, &work));
    put_real(bias, 20 * n);
    add("hfy_recall_bias");
  }
  {
    hfy_net net;
    hfy_real *cue;
    hfy_recall how;
    hfy_recall_state state;
    arena_used = 0;
    memset(&how, 0, sizeof how);
    memset(&state, 0, sizeof state);
    make_net(&net, 5, 6, 1, 1, &cue);
    seen(hfy_recall_begin(&net, &how, cue, &state, &work));
    seen(hfy_recall_begin(&net, &how, NULL, &state, &work));
    seen(hfy_recall_begin(NULL, &how, cue, &state, &work));
    add("hfy_recall_begin");
    seen(hfy_recall_next(&net, &how, &state, &item, &work));
    seen(hfy_recall_next(&net, &how, NULL, &item, &work));
    add("hfy_recall_next");
    seen(hfy_recall_all(&net, &how, cue, 3, NULL, NULL, &work));
    add("hfy_recall_all");
    seen(hfy_recall_unique(NULL, 3, 3, NULL, &work));
    add("hfy_recall_unique");
    seen(hfy_recall_levenshtein(NULL, 3, NULL, 2, NULL, NULL, &work));
    add("hfy_recall_levenshtein");
    seen(hfy_recall_bias(0, 1, 2, 3, NULL, &work));
    add("hfy_recall_bias");
  }
}

/* ------------------------------------------------------------------------------------------------------------------
   binary
   ------------------------------------------------------------------------------------------------------------------ */
static void one_binary(const hfy_binary *memory, const hfy_real *queries, size_t rows) {
  size_t n = rows * ((memory->max_sweeps ? memory->max_sweeps : 100) + 1);
  hfy_real *out = TAKE(hfy_real, rows * memory->dim);
  double *energy = TAKE(double, rows), *log_energy = TAKE(double, rows);
  hfy_binary_report r;
  r.sweeps = TAKE(size_t, rows);
  r.flips = TAKE(size_t, rows);
  r.period = TAKE(size_t, rows);
  r.energy = TAKE(double, n);
  r.log_energy = TAKE(double, n);
  seen(hfy_binary_recall(memory, queries, rows, out, &r, &work));
  put_real(out, rows * memory->dim);
  put_sizes(r.sweeps, rows);
  put_sizes(r.flips, rows);
  put_sizes(r.period, rows);
  put_double(r.energy, n);
  put_double(r.log_energy, n);
  seen(hfy_binary_recall(memory, queries, rows, out, NULL, &work));
  put_real(out, rows * memory->dim);
  add("hfy_binary_recall");
  seen(hfy_binary_energy(memory, queries, rows, energy, log_energy, &work));
  put_double(energy, rows);
  put_double(log_energy, rows);
  add("hfy_binary_energy");
}

static void room_binary(void) {
  static const size_t dims[] = {1, 2, 7, 16, 33, 64, 65, 100}, counts[] = {1, 2, 5, 12, 40};
  static const size_t batches[] = {1, 2, 5, 20};
  size_t i, j;
  for (i = 0; i < 200; i++) {
    size_t dim = PICK(dims), count = PICK(counts), rows = PICK(batches), stride = dim + (i % 4 == 3 ? 2 : 0);
    hfy_real *patterns, *queries, *weights, *keys, *coupling;
    size_t *sequence;
    int kind = (int)(i % 4);
    hfy_binary_rule rule = (hfy_binary_rule)(i % 30 == 29 ? 5 : i % 2);
    hfy_binary memory;
    hfy_net net;
    arena_used = 0;
    patterns = rows_of(count, dim, stride, 1);
    queries = rows_of(rows, dim, dim, 1);
    for (j = 0; j < rows * dim; j++) {
      if (!chance(0.3)) queries[j] = patterns[(j / dim % count) * stride + j % dim];
    }
    weights = TAKE(hfy_real, dim * dim);
    keys = TAKE(hfy_real, count * dim);
    coupling = TAKE(hfy_real, dim);
    seen(hfy_binary_weights(rule, patterns, count, dim, stride, (int)(i % 3), weights, &work));
    put_real(weights, dim * dim);
    if (i % 5 == 0) { /* of any numbers */
      seen(hfy_binary_weights(rule, rows_of(count, dim, dim, 3), count, dim, 0, 0, weights, &work));
      put_real(weights, dim * dim);
    }
    add("hfy_binary_weights");
    memset(&net, 0, sizeof net);
    seen(hfy_binary_net(rule, patterns, count, dim, rule == HFY_BINARY_PSEUDO_INVERSE ? dim : stride,
                        rule == HFY_BINARY_HEBBIAN ? NULL : keys, i % 7 ? coupling : NULL, &net, &work));
    if (net.keys) {
      put_real(keys, count * dim);
      put_real(coupling, dim);
      put_net(&net);
    }
    add("hfy_binary_net");
    memset(&memory, 0, sizeof memory);
    memory.dim = dim;
    memory.kind = (hfy_binary_kind)kind;
    if (kind) {
      memory.count = count;
      memory.patterns = patterns;
      memory.stride = stride == dim ? 0 : stride;
    } else {
      memory.weights = weights;
    }
    memory.order = (hfy_binary_order)(i / 4 % 3);
    memory.degree = i % 5 ? (double)(2 + below(5)) : 0;
    if (i % 40 == 39) memory.degree = 300;
    memory.seed = i;
    memory.max_sweeps = i % 3 ? 5 : 0;
    sequence = TAKE(size_t, dim);
    for (j = 0; j < dim; j++) sequence[j] = dim - 1 - j;
    if (i % 50 == 5) sequence[0] = dim + 1;
    if (i % 2) memory.sequence = sequence;
    if (i % 20 == 19) memory.degree = i % 40 == 19 ? 1.5 : 600;
    if (i % 20 == 18) queries[0] = (hfy_real)0.5;
    if (i % 20 == 17) patterns[0] = 2;
    if (i % 40 == 16) memory.kind = (hfy_binary_kind)9;
    if (i % 40 == 36) memory.order = (hfy_binary_order)9;
    if (i % 40 == 12 && !kind) weights[0] = (hfy_real)NAN;
    one_binary(&memory, queries, rows);
  }
  {
    hfy_binary memory;
    hfy_real x[4] = {1, -1, 1, (hfy_real)NAN};
    double y[4] = {0};
    hfy_net net;
    memset(&memory, 0, sizeof memory);
    seen(hfy_binary_recall(&memory, x, 1, x, NULL, &work));
    seen(hfy_binary_recall(NULL, x, 1, x, NULL, &work));
    memory.dim = 2;
    seen(hfy_binary_recall(&memory, x, 1, x, NULL, &work));
    memory.weights = x;
    seen(hfy_binary_recall(&memory, NULL, 1, x, NULL, &work));
    seen(hfy_binary_recall(&memory, x, 0, x, NULL, &work));
    add("hfy_binary_recall");
    seen(hfy_binary_energy(&memory, x, 1, y, y + 1, &work));
    seen(hfy_binary_energy(&memory, NULL, 1, y, NULL, &work));
    add("hfy_binary_energy");
    seen(hfy_binary_weights(HFY_BINARY_HEBBIAN, NULL, 1, 2, 0, 0, x, &work));
    seen(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, 2, 2, 0, 0, x, &work));
    seen(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, 0, 2, 0, 0, x, &work));
    seen(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, 1, 2, 1, 0, x, &work));
    add("hfy_binary_weights");
    seen(hfy_binary_net(HFY_BINARY_HEBBIAN, x, 1, 2, 0, NULL, NULL, NULL, &work));
    seen(hfy_binary_net(HFY_BINARY_PSEUDO_INVERSE, x, 1, 2, 0, NULL, NULL, &net, &work));
    add("hfy_binary_net");
  }
}

/* ------------------------------------------------------------------------------------------------------------------
   kernel
   ------------------------------------------------------------------------------------------------------------------ */
static void put_words(const uint64_t *x, size_t n) { put(x, n * sizeof *x); }

static void put_fisher(const hfy_kernel_fisher *f) {
  const double numbers[] = {
    f->loss,          f->euclidean,         f->riemannian,     f->natural,  f->log10_riemannian,
    f->log10_natural, f->damped_riemannian, f->damped_natural, f->sharpness};
  put_double(numbers, COUNT_OF(numbers));
}

static int stop_at_three(void *context, const hfy_kernel_progress *now) {
  put_u64(now->iteration);
  put_number(now->residual);
  put_number(now->residual_0);
  return context && now->iteration >= 3;
}

static void train_kernel(hfy_kernel *k, double *alpha, size_t i) {
  hfy_kernel_training t;
  hfy_kernel_result r;
  size_t size = hfy_kernel_state_size(k->dim, k->count), turn;
  double *gram = TAKE(double, k->count * k->count);
  put_u64(size);
  add("hfy_kernel_state_size");
  seen(hfy_kernel_gram(k, gram, &work));
  put_double(gram, k->count * k->count);
  add("hfy_kernel_gram");
  memset(&t, 0, sizeof t);
  t.trainer = (hfy_kernel_trainer)(i % 43 == 42 ? 9 : i % 5);
  t.max_iterations = i % 3 ? 0 : 10;
  if (t.trainer == HFY_KERNEL_PAPER) t.max_iterations = 20;
  if (chance(0.3)) t.lambda = 0.1;
  if (chance(0.2)) t.eta = 0.02;
  if (chance(0.2)) t.tol = 1e-4;
  if (chance(0.3)) t.gram = gram;
  t.unpenalised = chance(0.1);
  if (i % 40 == 20) t.lambda = -1;
  if (i % 40 == 21) t.eta = -1;
  if (i % 40 == 22) t.tol = -1;
  if (chance(0.3)) t.progress = stop_at_three;
  if (chance(0.5)) t.context = gram;
  if (t.trainer <= HFY_KERNEL_PAPER && size != SIZE_MAX) t.state = double_zeros(size);
  for (turn = 0; turn < 2; turn++) {
    memset(&r, 0, sizeof r);
    seen(hfy_kernel_train(k, i % 9 ? &t : NULL, alpha, &r, &work));
    put_double(alpha, k->count * k->dim);
    put_u64(r.iterations);
    put_number(r.residual);
    put_number(r.loss);
    put_number(r.gap);
    put_number(r.gram_largest);
    put_number(r.stability);
    put_u64((uint64_t)r.unstable * 2 + (uint64_t)r.stopped);
    if (t.state) put_double(t.state, size);
    if (!t.state) break;
    t.resume = 1;
  }
  add("hfy_kernel_train");
}

static void analyse_kernel(const hfy_kernel *k, size_t i) {
  size_t P = k->count, N = k->dim, r = P < N ? P : N, steps = 1 + below(6), j;
  double *x = doubles(3 * N, 1), *direct = TAKE(double, 3 * N), *indirect = TAKE(double, 3 * N), *a = doubles(P, 0.3);
  double *v[4], *gradient = TAKE(double, P), *step = TAKE(double, P);
  hfy_kernel_geometry g[3];
  hfy_kernel_spectrum s;
  hfy_kernel_fisher f;
  hfy_kernel_path path;
  memset(g, 0, sizeof g);
  memset(&s, 0, sizeof s);
  memset(&f, 0, sizeof f);
  memset(&path, 0, sizeof path);
  for (j = 0; j < N; j++) x[j] = k->patterns[j / 64] >> (j % 64) & 1 ? 1 : -1;
  if (chance(0.05)) x[1] = (double)NAN;
  seen(hfy_kernel_forces(k, x, 3, direct, indirect, g, &work));
  put_double(direct, 3 * N);
  put_double(indirect, 3 * N);
  for (j = 0; j < 3; j++) {
    const double numbers[] = {g[j].potential, g[j].sharpness,    g[j].direct,
                              g[j].indirect,  g[j].interference, (double)g[j].undefined};
    put_double(numbers, COUNT_OF(numbers));
  }
  add("hfy_kernel_forces");
  for (j = 0; j < 4; j++) v[j] = TAKE(double, P);
  seen(hfy_kernel_spectra(k, NULL, &s, i % 3 ? v[0] : NULL, v[1], v[2], v[3], &work));
  for (j = 0; j < 4; j++) put_double(v[j], j == 3 ? P : r);
  {
    const double numbers[] = {s.alpha_1,    s.alpha_2,       s.alpha_rank, s.leading,     s.trailing,
                              s.operator_1, s.operator_rank, s.logits_1,   s.logits_rank, s.effective,
                              s.gram_1,     s.gram_least,    s.gram_rank};
    put_double(numbers, COUNT_OF(numbers));
    add("hfy_kernel_spectra");
  }
  seen(hfy_kernel_information(k, below(i % 20 == 19 ? N + 1 : N), a, NULL, i % 3 ? 0.01 : 0, i % 2 ? 1e-3 : 0, &f,
                              gradient, step, &work));
  put_fisher(&f);
  put_double(gradient, P);
  put_double(step, P);
  add("hfy_kernel_information");
  path.principal = TAKE(double, steps);
  path.tail = TAKE(double, steps);
  path.progress = TAKE(double, steps + 1);
  path.deviation = TAKE(double, steps + 1);
  path.fisher = i % 3 ? NULL : TAKE(hfy_kernel_fisher, steps + 1);
  seen(hfy_kernel_follow(k, below(N), NULL, i % 2 ? 0 : 0.02, 0, i % 30 == 29 ? 0 : steps, (int)(i % 2), 1e-3, &path,
                         &work));
  put_double(path.principal, steps);
  put_double(path.tail, steps);
  put_double(path.progress, steps + 1);
  put_double(path.deviation, steps + 1);
  for (j = 0; path.fisher && j <= steps; j++) put_fisher(path.fisher + j);
  {
    const double numbers[] = {path.length,   path.path,     path.sum_principal, path.sum_tail,         path.most,
                              path.fisher_1, path.fisher_2, path.concentration, (double)path.ambiguous};
    put_double(numbers, COUNT_OF(numbers));
    put_u64(path.most_at);
    put_u64(path.last_principal);
    add("hfy_kernel_follow");
  }
}

static void recall_kernel(hfy_kernel *k, const double *alpha, size_t i) {
  static const size_t batches[] = {1, 2, 5, 17, 64, 300};
  size_t P = k->count, N = k->dim, W = hfy_kernel_words(N), n = PICK(batches), j, flips[3];
  uint64_t *states = TAKE(uint64_t, n * W), *out = TAKE(uint64_t, n * W);
  float *small = TAKE(float, P *N);
  signed char *bytes = TAKE(signed char, P *N);
  double scale = 3, *bound = TAKE(double, N), *h = TAKE(double, n *N), *shift = TAKE(double, n);
  double stored = 3, margin = 3;
  double recovered[3] = {5, 5, 5}, overlap[3] = {5, 5, 5};
  hfy_kernel_report r;
  hfy_kernel_census c;
  memset(&r, 0, sizeof r);
  r.steps = TAKE(size_t, n);
  r.period = TAKE(size_t, n);
  r.flips = TAKE(size_t, n);
  seen(hfy_kernel_random(n, N, &rng, states, &work));
  put_words(states, n * W);
  add("hfy_kernel_random");
  for (j = 0; j < n; j++) {
    if (j % 4) memcpy(states + j * W, k->patterns + j % P * W, W * sizeof *states);
  }
  seen(hfy_kernel_flip(states, n, N, below(N / 4 + 1) + (i % 30 == 29 ? 2 * N : 0), &rng, states, &work));
  put_words(states, n * W);
  add("hfy_kernel_flip");
  seen(hfy_kernel_quantize(alpha, P * N, bytes, i % 2 ? &scale : NULL, &work));
  put(bytes, P * N);
  put_number(scale);
  add("hfy_kernel_quantize");
  for (j = 0; j < P * N; j++) small[j] = (float)alpha[j];
  k->alpha = i % 4 < 2 ? alpha : NULL;
  k->alpha_float = i % 4 == 2 ? small : NULL;
  k->alpha_bytes = i % 4 == 3 ? bytes : NULL;
  k->nearest = chance(0.2) ? 1 + below(P) : 0;
  k->order = (hfy_binary_order)(chance(0.3) ? 1 + below(2) : 0);
  k->seed = i;
  k->max_steps = chance(0.5) ? 0 : 3;
  seen(hfy_kernel_bound(k, bound, &work));
  put_double(bound, N);
  add("hfy_kernel_bound");
  for (j = 0; j < 2; j++) {
    k->bound = j ? bound : NULL;
    seen(hfy_kernel_recall(k, states, n, out, &r, &work));
    put_words(out, n * W);
    put_sizes(r.steps, n);
    put_sizes(r.period, n);
    put_sizes(r.flips, n);
    add("hfy_kernel_recall");
  }
  k->alpha = alpha;
  k->alpha_float = NULL;
  k->alpha_bytes = NULL;
  k->bound = NULL;
  seen(hfy_kernel_potentials(k, states, n, h, i % 2 ? shift : NULL, &work));
  put_double(h, n * N);
  put_double(shift, n);
  add("hfy_kernel_potentials");
  seen(hfy_kernel_stored(k, &stored, i % 2 ? &margin : NULL, &work));
  put_number(stored);
  put_number(margin);
  add("hfy_kernel_stored");
  flips[0] = 0;
  flips[1] = N / 8;
  flips[2] = N / 4 + (i % 25 == 24 ? N : 0);
  seen(hfy_kernel_basins(k, P < 5 ? P : 5, flips, 3, &rng, recovered, i % 2 ? overlap : NULL, &work));
  put_double(recovered, 3);
  put_double(overlap, 3);
  add("hfy_kernel_basins");
  memset(&c, 0, sizeof c);
  seen(hfy_kernel_explore(k, 40, &rng, &c, &work));
  put_number(c.fixed);
  put_number(c.stored);
  put_number(c.opposite);
  put_number(c.spurious);
  put_number(c.cycles);
  put_number(c.unsettled);
  put_u64(c.different);
  put_number(c.steps);
  put_u64(rng.state);
  add("hfy_kernel_explore");
}

static void room_kernel(void) {
  static const size_t dims[] = {1, 5, 16, 33, 64, 65, 130}, counts[] = {1, 2, 5, 12, 33, 64};
  size_t i, j;
  for (i = 0; i < 120; i++) {
    size_t dim = PICK(dims), count = PICK(counts), words = hfy_kernel_words(dim);
    hfy_kernel k;
    hfy_net net;
    hfy_real *x, *keys, *values;
    uint64_t *packed;
    double *alpha;
    arena_used = 0;
    x = rows_of(count, dim, dim, 1);
    if (i % 40 == 39) x[count * dim / 2] = (hfy_real)0.5;
    packed = (uint64_t *)memset(TAKE(uint64_t, count * words), 0, count * words * sizeof(uint64_t));
    put_u64(words);
    add("hfy_kernel_words");
    seen(hfy_kernel_pack(x, count, dim, packed, &work));
    put_words(packed, count * words);
    add("hfy_kernel_pack");
    if (i % 20 == 19) packed[words - 1] |= UINT64_C(1) << 63;
    memset(x, 0, count * dim * sizeof *x);
    seen(hfy_kernel_unpack(packed, count, dim, x, &work));
    put_real(x, count * dim);
    add("hfy_kernel_unpack");
    memset(&k, 0, sizeof k);
    k.dim = dim;
    k.count = count;
    k.patterns = packed;
    k.kind = (hfy_kernel_kind)(i % 5 < 3 ? 0 : i % 5 - 2);
    k.gamma = i % 3 ? 0 : hfy_rng_uniform(&rng) * (k.kind ? 1 / (double)dim : 0.2);
    k.degree = (double)below(4);
    k.offset = chance(0.5) ? 0 : 1;
    if (i % 30 == 10) k.gamma = -1;
    if (i % 30 == 11) k.kind = (hfy_kernel_kind)7;
    if (i % 30 == 13) k.degree = 1.5;
    if (i % 30 == 14) k.degree = 100;
    alpha = (double *)memset(TAKE(double, count *dim), 0, count * dim * sizeof(double));
    train_kernel(&k, alpha, i);
    recall_kernel(&k, alpha, i);
    k.nearest = 0;
    analyse_kernel(&k, i);
    keys = TAKE(hfy_real, count * dim);
    values = TAKE(hfy_real, count * dim);
    memset(&net, 0, sizeof net);
    seen(hfy_kernel_net(&k, keys, values, &net, &work));
    put_real(keys, count * dim);
    put_real(values, count * dim);
    put_net(&net);
    add("hfy_kernel_net");
  }
  for (i = 0; i < 12; i++) put_number(hfy_kernel_gamma(0.05 * (double)i));
  add("hfy_kernel_gamma");
  put_u64(hfy_kernel_words(0));
  put_u64(hfy_kernel_words(SIZE_MAX));
  add("hfy_kernel_words");
  put_u64(hfy_kernel_state_size(SIZE_MAX / 4, 9));
  put_u64(hfy_kernel_state_size(0, 9));
  add("hfy_kernel_state_size");
  {
    hfy_kernel k;
    uint64_t words[2] = {5, 9};
    double numbers[64] = {0};
    hfy_real x[4] = {1, 1, -1, 1};
    size_t flips = 1;
    signed char bytes[4] = {0};
    hfy_kernel_census census;
    hfy_kernel_spectrum spectrum;
    hfy_kernel_fisher fisher;
    hfy_kernel_path path;
    hfy_net net;
    memset(&k, 0, sizeof k);
    memset(&path, 0, sizeof path);
    for (j = 0; j < 4; j++) { /* dim 0, count 0, no patterns, no alpha */
      k.dim = j > 0 ? 4 : 0;
      k.count = j > 1 ? 2 : 0;
      k.patterns = j > 2 ? words : NULL;
      seen(hfy_kernel_gram(&k, numbers, &work));
      add("hfy_kernel_gram");
      seen(hfy_kernel_train(&k, NULL, j == 3 ? NULL : numbers, NULL, &work));
      add("hfy_kernel_train");
      seen(hfy_kernel_bound(&k, numbers, &work));
      add("hfy_kernel_bound");
      seen(hfy_kernel_net(&k, x, x, &net, &work));
      add("hfy_kernel_net");
      seen(hfy_kernel_recall(&k, words, 1, words, NULL, &work));
      add("hfy_kernel_recall");
      seen(hfy_kernel_potentials(&k, words, 1, numbers, NULL, &work));
      add("hfy_kernel_potentials");
      seen(hfy_kernel_stored(&k, numbers, NULL, &work));
      add("hfy_kernel_stored");
      seen(hfy_kernel_basins(&k, 1, &flips, 1, &rng, numbers, NULL, &work));
      add("hfy_kernel_basins");
      seen(hfy_kernel_explore(&k, 1, &rng, &census, &work));
      add("hfy_kernel_explore");
      seen(hfy_kernel_forces(&k, numbers, 1, NULL, NULL, NULL, &work));
      add("hfy_kernel_forces");
      seen(hfy_kernel_spectra(&k, NULL, &spectrum, NULL, NULL, NULL, NULL, &work));
      add("hfy_kernel_spectra");
      seen(hfy_kernel_information(&k, 0, j == 3 ? NULL : numbers, NULL, 0, 0, &fisher, NULL, NULL, &work));
      add("hfy_kernel_information");
      seen(hfy_kernel_follow(&k, 0, NULL, 0, 0, 1, 0, 0, j == 3 ? NULL : &path, &work));
      add("hfy_kernel_follow");
    }
    seen(hfy_kernel_pack(NULL, 1, 4, words, &work));
    seen(hfy_kernel_pack(x, 1, 0, words, &work));
    add("hfy_kernel_pack");
    seen(hfy_kernel_unpack(words, 1, 4, NULL, &work));
    add("hfy_kernel_unpack");
    seen(hfy_kernel_flip(NULL, 1, 4, 1, &rng, words, &work));
    add("hfy_kernel_flip");
    seen(hfy_kernel_random(1, 4, NULL, words, &work));
    add("hfy_kernel_random");
    numbers[1] = (double)NAN;
    seen(hfy_kernel_quantize(numbers, 4, bytes, NULL, &work));
    seen(hfy_kernel_quantize(NULL, 4, bytes, NULL, &work));
    add("hfy_kernel_quantize");
  }
}

/* ------------------------------------------------------------------------------------------------------------------
   rate
   ------------------------------------------------------------------------------------------------------------------ */
static void random_rate(hfy_rate *rate, int sparse) {
  static const double powers[] = {0.6, 1, 1, 1.5, 2, 0.35}, sigmas[] = {0, 0.1, 1, 4};
  memset(rate, 0, sizeof *rate);
  rate->power = PICK(powers);
  rate->sigma = sparse ? 0 : PICK(sigmas);
  rate->theta = chance(0.3) ? 0 : 0.5 * hfy_rng_normal(&rng);
  if (chance(0.02)) rate->power = -1;
  if (chance(0.02)) rate->theta = (double)NAN;
}

static void rate_patterns(size_t i) {
  static const size_t dims[] = {2, 5, 9, 17, 30, 64};
  size_t dim = PICK(dims), count = 1 + below(dim / 2 + 1), n = dim * count, j;
  int sparse = i % 3 == 2, self = (int)(i % 2), voltage = (int)(i / 2 % 2);
  hfy_rate rate;
  double *r = TAKE(double, n), *noisy = TAKE(double, n), *w = double_zeros(dim * dim);
  double *jacobian = TAKE(double, dim *dim), *re = TAKE(double, dim), *im = TAKE(double, dim),
         *abscissa = TAKE(double, count);
  double theta = 7, objective = 7, henrici = 7, noise = 7, *masked = double_zeros(dim * dim);
  signed char mask_weights[64 * 64];
  hfy_rate_mask mask = {NULL, NULL};
  hfy_rate_rows rows;
  hfy_rate_modes modes;
  hfy_rate_search search;
  hfy_rate_options options;
  hfy_rate_outcome outcome;
  hfy_rate_basin_options basin;
  hfy_rate_course course;
  hfy_rate_points points;
  hfy_rate_averages averages;
  hfy_net net;
  hfy_real *keys = TAKE(hfy_real, n), *values = TAKE(hfy_real, n), *coupling = TAKE(hfy_real, dim);
  size_t stable = 77;
  random_rate(&rate, sparse);
  seen(hfy_rate_patterns(&rng, i % 40 == 20 ? -1 : 0.4, sparse ? 0.6 : 1, count, dim, r, &work));
  put_double(r, n);
  add("hfy_rate_patterns");
  if (i % 40 == 20) return;
  seen(hfy_rate_perturb(&rng, r, count, dim, 0.1, i % 2 ? 0 : 0.3, noisy, &work));
  put_double(noisy, n);
  add("hfy_rate_perturb");
  seen(hfy_rate_weights(&rate, r, count, dim, self, w, &work));
  put_double(w, dim * dim);
  add("hfy_rate_weights");
  if (sparse || i % 5 == 0) {
    rows.status = TAKE(hfy_status, dim);
    rows.active = TAKE(size_t, dim);
    rows.multipliers = TAKE(double, n);
    seen(hfy_rate_weights_sparse(&rate, r, count, dim, i % 2 ? 0 : 0.1, w, &rows, &work));
    put_double(w, dim * dim);
    for (j = 0; j < dim; j++) put_u64((uint64_t)rows.status[j]);
    put_sizes(rows.active, dim);
    put_double(rows.multipliers, n);
    add("hfy_rate_weights_sparse");
    for (j = 0; j < dim * dim; j++) mask_weights[j] = (signed char)(chance(0.3) ? 2 : chance(0.3) ? 1 : 0);
    mask.weight = mask_weights;
    seen(hfy_rate_weights_masked(&rate, r, count, dim, 0, &mask, masked, NULL, &work));
    put_double(masked, dim * dim);
    add("hfy_rate_weights_masked");
  }
  memset(&net, 0, sizeof net);
  seen(hfy_rate_net(&rate, r, count, dim, self, i % 20 == 19 ? 2 : 0.5, keys, values, coupling, &net, &work));
  put_real(keys, n);
  put_real(values, n);
  put_real(coupling, dim);
  put_net(&net);
  add("hfy_rate_net");
  seen(hfy_rate_jacobian(&rate, w, r, dim, jacobian, &work));
  put_double(jacobian, dim * dim);
  add("hfy_rate_jacobian");
  memset(&modes, 0, sizeof modes);
  seen(hfy_rate_spectrum(&rate, w, r, dim, re, im, i % 3 ? &modes : NULL, &work));
  put_double(re, dim);
  put_double(im, dim);
  put_u64(modes.memory);
  put_u64(modes.average);
  put_number(modes.correlation);
  put_number(modes.overlap);
  put_number(modes.bulk);
  put_number(modes.abscissa);
  add("hfy_rate_spectrum");
  seen(hfy_rate_stability(&rate, w, r, count, dim, abscissa, i % 2 ? &stable : NULL, &work));
  put_double(abscissa, count);
  put_u64(stable);
  add("hfy_rate_stability");
  if (dim < 20 && i % 2) {
    memset(&search, 0, sizeof search);
    search.grid = 5;
    search.steps = 4;
    search.sample = 2;
    search.worst = (int)(i % 3 == 1);
    search.self = self;
    if (chance(0.3)) search.low = -(search.high = 1);
    if (i % 30 == 29) search.grid = 2;
    seen(hfy_rate_threshold(&rate, r, count, dim, i % 20 == 1 ? NULL : &search, &theta, &objective, &work));
    put_number(theta);
    put_number(objective);
    add("hfy_rate_threshold");
  }
  put_number(hfy_rate_asymmetry(w, dim));
  add("hfy_rate_asymmetry");
  seen(hfy_rate_henrici(w, dim, &henrici, &work));
  put_number(henrici);
  add("hfy_rate_henrici");
  memset(&options, 0, sizeof options);
  options.duration = 20;
  options.voltage = voltage;
  options.rtol = i % 4 == 3 ? 1e-6 : 0;
  options.tol = i % 4 == 1 ? -1 : 0;
  if (i % 30 == 13) options.dt = -1;
  outcome.status = TAKE(hfy_status, count);
  outcome.time = TAKE(double, count);
  outcome.speed = TAKE(double, count);
  outcome.steps = TAKE(size_t, count);
  seen(hfy_rate_simulate(&rate, w, dim, noisy, count, &options, noisy, &outcome, &work));
  put_double(noisy, n);
  for (j = 0; j < count; j++) put_u64((uint64_t)outcome.status[j]);
  put_double(outcome.time, count);
  put_double(outcome.speed, count);
  put_sizes(outcome.steps, count);
  add("hfy_rate_simulate");
  if (dim < 20) {
    memset(&basin, 0, sizeof basin);
    basin.trials = 4;
    basin.bisections = 4;
    basin.run = options;
    if (i % 30 == 14) basin.most = -1;
    seen(hfy_rate_basin(&rate, w, r, dim, &rng, &basin, &noise, &work));
    put_number(noise);
    add("hfy_rate_basin");
    memset(&course, 0, sizeof course);
    course.steps = 30;
    course.delay = i % 3;
    course.voltage = voltage;
    seen(hfy_rate_run(&rate, w, dim, r, count, &course, NULL, noisy, NULL, &work));
    put_double(noisy, n);
    add("hfy_rate_run");
    memset(&points, 0, sizeof points);
    points.abscissa = outcome.time;
    seen(hfy_rate_fixed_points(&rate, w, dim, r, count, noisy, &points, &work));
    put_double(noisy, n);
    put_double(outcome.time, count);
    add("hfy_rate_fixed_points");
  }
  memset(&averages, 0, sizeof averages);
  seen(hfy_rate_theory_of(&rate, r, i % 2 ? NULL : noisy, n, (int)(i % 3 == 0), &averages, &work));
  put_number(averages.theta);
  put_number(averages.lambda_mem);
  put_number(averages.alpha_s);
  put_double(averages.outlier_re, 2);
  add("hfy_rate_theory_of");
}

static void put_averages(const hfy_rate_averages *a) {
  const double numbers[] = {a->theta,      a->rbar,       a->hbar,       a->dbar,    a->crr,          a->vh,
                            a->vd,         a->d2,         a->crh,        a->crd,     a->cdh,          a->crdh,
                            a->ve,         a->crf,        a->cff,        a->delta,   a->gap,          a->crphi,
                            a->cphiphi,    a->lambda_ave, a->lambda_mem, a->tau_mem, a->alpha_s_bulk, a->alpha_s,
                            a->theta_bulk, a->theta_ave,  a->theta_mem};
  put_double(numbers, COUNT_OF(numbers));
  put_double(a->outlier_re, 2);
  put_double(a->outlier_im, 2);
}

static void rate_theory(size_t i) {
  static const double samples[] = {0.5, 1, 1.7};
  static const double loads[] = {0.01, 0.1, 0.3, 0.6, 0.95, 1.5}, cvs[] = {0.1, 0.4, 1, 3, -1},
                      fs[] = {0.1, 0.5, 0.9, 1, 0};
  hfy_rate rate, best;
  hfy_rate_averages averages;
  hfy_rate_load load;
  hfy_rate_lead lead;
  hfy_rate_rates rates = {0, 0, NULL, NULL, 0};
  hfy_rate_grid grid;
  hfy_rate_replica replica;
  hfy_rate_disc disc;
  double alpha = PICK(loads), cv = PICK(cvs), f = PICK(fs), x = 7, y = 7;
  size_t j;
  random_rate(&rate, 0);
  for (j = 0; j < 30; j++) {
    double v = 3 * hfy_rng_normal(&rng) * pow(10, (double)j / 4 - 4);
    put_number(hfy_rate_g(&rate, v));
    add("hfy_rate_g");
    put_number(hfy_rate_slope(&rate, v));
    add("hfy_rate_slope");
    put_number(hfy_rate_inverse(&rate, j ? fabs(v) : 0));
    put_number(hfy_rate_inverse(&rate, v));
    add("hfy_rate_inverse");
    put_number(hfy_rate_slope_at(&rate, j ? fabs(v) : 0));
    add("hfy_rate_slope_at");
  }
  memset(&averages, 0, sizeof averages);
  memset(&load, 0, sizeof load);
  memset(&lead, 0, sizeof lead);
  memset(&replica, 0, sizeof replica);
  memset(&disc, 0, sizeof disc);
  memset(&best, 0, sizeof best);
  seen(hfy_rate_theory(&rate, cv, (int)(i % 2), &averages, &work));
  put_averages(&averages);
  add("hfy_rate_theory");
  seen(hfy_rate_at_load(&averages, alpha, &load, &work));
  put_number(load.lambda_bulk);
  put_number(load.weight_norm);
  put_number(load.weight_sum);
  put_number(load.weight_norm_self);
  add("hfy_rate_at_load");
  if (i % 10 == 0) {
    seen(hfy_rate_bulk_edge(&rate, cv, alpha, (int)(i % 2), i % 3 ? 0 : 500, &x, &work));
    put_number(x);
    add("hfy_rate_bulk_edge");
    rates.cv = cv;
    rates.units = i % 3 ? 0 : 500;
    seen(hfy_rate_leading(&rate, &rates, alpha, (int)(i % 2), &lead, &work));
    put_number(lead.edge);
    put_double(lead.outlier, 2);
    add("hfy_rate_leading");
    seen(hfy_rate_critical_load(&rate, &rates, (int)(i % 2), &x, &work));
    put_number(x);
    add("hfy_rate_critical_load");
  }
  if (i % 50 == 1) {
    if (i == 1) {
      rate.power = 0.9;
      rate.sigma = 0.5;
      rate.theta = 0;
      cv = 0.5;
    } else {
      rate.power = -1;
    }
    seen(hfy_rate_bulk_load(&rate, cv, 0, 100, &x, &work));
    put_number(x);
    add("hfy_rate_bulk_load");
  }
  memset(&grid, 0, sizeof grid);
  grid.power = 0.8;
  grid.power_step = 0.1;
  grid.powers = i % 10 == 9 ? 0 : 4;
  grid.log_sigma = -1;
  grid.log_sigma_step = 0.3;
  grid.sigmas = 4;
  if (i % 4 == 0) {
    seen(hfy_rate_optimum(cv, &grid, &best, &x, &work));
    put_number(best.power);
    put_number(best.sigma);
    put_number(best.theta);
    put_number(x);
    add("hfy_rate_optimum");
  }
  seen(hfy_rate_capacity(i % 2 ? f : hfy_rng_uniform(&rng), &x, i % 3 ? &y : NULL, &work));
  put_number(x);
  put_number(y);
  add("hfy_rate_capacity");
  if (f < 1) rate.sigma = chance(0.9) ? 0 : 1;
  seen(hfy_rate_solve_replica(&rate, cv, f, alpha, &replica, &work));
  put_number(replica.q);
  put_number(replica.m);
  put_number(replica.theta0);
  add("hfy_rate_solve_replica");
  seen(hfy_rate_solve_replica_of(&rate, samples, NULL, 3, f, alpha, &replica, &work));
  put_number(replica.q);
  add("hfy_rate_solve_replica_of");
  seen(hfy_rate_circular_law(alpha, f * (i % 2 ? 1 : -1), 1 + cv, 0.5, 1, &disc, &work));
  put_number(disc.centre);
  put_number(disc.radius);
  put_number(disc.lambda_plus);
  put_number(disc.lambda_minus);
  put_number(disc.median);
  put_number(disc.alpha_s);
  add("hfy_rate_circular_law");
}

static void room_rate(void) {
  hfy_rate rate = {1, 0, 0, NULL};
  double x[16] = {1, 2, 3, 4};
  size_t i;
  hfy_net net;
  for (i = 0; i < 120; i++) {
    arena_used = 0;
    rate_patterns(i);
    rate_theory(i);
  }
  put_number(hfy_rate_g(NULL, 1));
  add("hfy_rate_g");
  put_number(hfy_rate_asymmetry(NULL, 2));
  add("hfy_rate_asymmetry");
  seen(hfy_rate_patterns(NULL, 1, 1, 1, 1, x, &work));
  seen(hfy_rate_patterns(&rng, 1, 2, 1, 1, x, &work));
  seen(hfy_rate_patterns(&rng, 1, 1, 0, 1, x, &work));
  add("hfy_rate_patterns");
  seen(hfy_rate_perturb(&rng, NULL, 1, 2, 0, 0, x, &work));
  seen(hfy_rate_perturb(&rng, x, 1, 2, -1, 0, x, &work));
  seen(hfy_rate_perturb(&rng, x, 1, 2, 0, 2, x, &work));
  add("hfy_rate_perturb");
  seen(hfy_rate_weights(&rate, NULL, 1, 2, 0, x, &work));
  seen(hfy_rate_weights(&rate, x, 3, 2, 1, x, &work));
  seen(hfy_rate_weights(NULL, x, 1, 2, 1, x, &work));
  add("hfy_rate_weights");
  seen(hfy_rate_weights_sparse(&rate, x, 1, 2, -1, x, NULL, &work));
  seen(hfy_rate_weights_sparse(&rate, x, 0, 2, 0, x, NULL, &work));
  add("hfy_rate_weights_sparse");
  seen(hfy_rate_net(&rate, x, 1, 2, 0, 1, NULL, NULL, NULL, &net, &work));
  add("hfy_rate_net");
  seen(hfy_rate_jacobian(&rate, x, NULL, 2, x + 8, &work));
  seen(hfy_rate_jacobian(&rate, x, x, 0, x + 8, &work));
  add("hfy_rate_jacobian");
  seen(hfy_rate_spectrum(&rate, x, x, 2, NULL, x + 8, NULL, &work));
  add("hfy_rate_spectrum");
  seen(hfy_rate_stability(&rate, x, x, 0, 2, x + 8, NULL, &work));
  add("hfy_rate_stability");
  seen(hfy_rate_threshold(&rate, NULL, 1, 2, NULL, x, x + 1, &work));
  add("hfy_rate_threshold");
  seen(hfy_rate_henrici(NULL, 2, x, &work));
  add("hfy_rate_henrici");
  seen(hfy_rate_theory(&rate, 0.5, 0, NULL, &work));
  add("hfy_rate_theory");
  seen(hfy_rate_theory_of(&rate, x, NULL, 0, 0, NULL, &work));
  add("hfy_rate_theory_of");
  seen(hfy_rate_at_load(NULL, 0.5, NULL, &work));
  add("hfy_rate_at_load");
  seen(hfy_rate_bulk_edge(NULL, 0.5, 0.5, 0, 0, x, &work));
  add("hfy_rate_bulk_edge");
  seen(hfy_rate_bulk_load(&rate, 0.5, 0, 0, NULL, &work));
  add("hfy_rate_bulk_load");
  seen(hfy_rate_optimum(0.5, NULL, NULL, x, &work));
  add("hfy_rate_optimum");
  seen(hfy_rate_capacity(0.5, NULL, NULL, &work));
  add("hfy_rate_capacity");
  seen(hfy_rate_solve_replica(NULL, 0.5, 1, 0.5, NULL, &work));
  add("hfy_rate_solve_replica");
  seen(hfy_rate_circular_law(0.5, 0, 1, 1, 1, NULL, &work));
  add("hfy_rate_circular_law");
  seen(hfy_rate_simulate(&rate, x, 2, NULL, 1, NULL, x, NULL, &work));
  seen(hfy_rate_simulate(NULL, x, 2, x, 1, NULL, x, NULL, &work));
  add("hfy_rate_simulate");
  seen(hfy_rate_basin(&rate, x, x, 2, NULL, NULL, x, &work));
  add("hfy_rate_basin");
}

/* ------------------------------------------------------------------------------------------------------------------
   main
   ------------------------------------------------------------------------------------------------------------------ */
typedef struct room {
  const char *name;
  void (*run)(void);
} room;

static const room rooms[] = {
  {"base", room_base},           {"linalg", room_linalg}, {"sim", room_sim},       {"index", room_index},
  {"structure", room_structure}, {"sep", room_sep},       {"post", room_post},     {"net", room_net},
  {"file", room_file},           {"shard", room_shard},   {"theory", room_theory}, {"recall", room_recall},
  {"binary", room_binary},       {"kernel", room_kernel}, {"rate", room_rate},
#ifndef NO_LAYER /* checksum.sh defines it for a header that has none */
  {"layer", room_layer},
#endif
};

int main(int argc, char **argv) {
  const char *isa = argc > 1 ? argv[1] : "best", *only = argc > 2 ? argv[2] : "all";
  size_t i, ran = 0;
  int s = 0;
  hfy_real one = 1;
  verbose = argc > 3;
  while (s < 6 && strcmp(hfy_simd_text((hfy_isa)s), isa)) s++;
  if (s == 6) {
    fprintf(stderr, "checksum: no instruction set is called %s\n", isa);
    return 2;
  }
  work.isa = (hfy_isa)s;
  if (hfy_sim_scores(HFY_SIM_DOT, 1, &one, 1, 1, 0, &one, 1, &one, &work) == HFY_ERR_UNSUPPORTED) {
    printf("%s absent\n", isa);
    return 0;
  }
  arena = (unsigned char *)malloc(ARENA_BYTES + 64);
  if (!arena) return 2;
  arena += 64 - (uintptr_t)arena % 64;
  for (i = 0; i < COUNT_OF(rooms); i++) {
    if (strcmp(only, "all") && strcmp(only, rooms[i].name)) continue;
    rng = hfy_rng_seed(1000 + i);
    arena_used = 0;
    rooms[i].run();
    ran++;
  }
  if (!ran) fprintf(stderr, "checksum: no room is called %s\n", only);
  for (i = 0; i < n_lines; i++) {
    if (verbose) {
      printf("# %s: %lu cases, %lu calls that return a status, %lu of them ok\n", lines[i].name,
             (unsigned long)lines[i].cases, (unsigned long)lines[i].calls, (unsigned long)lines[i].good);
    }
    printf("%s %016" PRIx64 "\n", lines[i].name, lines[i].hash);
  }
  hfy_work_free(&work);
  return ran ? 0 : 2;
}
