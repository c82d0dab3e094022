/* kernels.c: hfy.h as a shared library with flat functions that ctypes can call, private kernels included.
 * Built four times: float and -DHFY_DOUBLE, plain and -fopenmp. */
#define HFY_STATIC
#define HFY_IMPLEMENTATION
#include "hfy.h"
#include <stdio.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define BENCH_API extern __attribute__((visibility("default")))

#ifdef _OPENMP
BENCH_API void bench_threads(int n) { omp_set_num_threads(n); }
#else
BENCH_API void bench_threads(int n) { (void)n; }
#endif

/* The instruction set that runs when `isa` is asked for; NULL if this machine has it not. */
BENCH_API const char *bench_isa(int isa) {
  hfy_work work = {0};
  work.isa = (hfy_isa)isa;
  return hfy_simd_of_(work.isa) ? hfy_simd_text(hfy_simd_isa(&work)) : NULL;
}

BENCH_API int bench_eigenvalues(const double *a, size_t n, double *re, double *im) {
  static hfy_work work;
  return hfy_eigenvalues(a, n, re, im, &work) != HFY_OK;
}

BENCH_API const char *bench_version(void) { return HFY_VERSION; }

/* --- separations --- */

typedef struct bench_sep {
  hfy_sep sep;
  hfy_work work;
} bench_sep;

static int bench_sep_of(const char *name, double parameter, hfy_sep *sep) {
  static const struct {
    const char *name;
    hfy_sep_kind kind;
  } kinds[] = {{"softmax", HFY_SEP_SOFTMAX},   {"sparsemax", HFY_SEP_SPARSEMAX}, {"entmax", HFY_SEP_ENTMAX},
               {"normmax", HFY_SEP_NORMMAX},   {"ksubsets", HFY_SEP_KSUBSETS},   {"argmax", HFY_SEP_ARGMAX},
               {"identity", HFY_SEP_IDENTITY}, {"power", HFY_SEP_POWER},         {"exp", HFY_SEP_EXP}};
  size_t i;
  memset(sep, 0, sizeof *sep);
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (!strcmp(name, kinds[i].name)) {
      sep->kind = kinds[i].kind;
      if (sep->kind == HFY_SEP_ENTMAX) sep->alpha = parameter;
      if (sep->kind == HFY_SEP_NORMMAX) sep->gamma = parameter;
      if (sep->kind == HFY_SEP_KSUBSETS || sep->kind == HFY_SEP_ARGMAX) sep->k = parameter;
      return 1;
    }
  return 0;
}

BENCH_API void *bench_sep_new(const char *name, double parameter, int isa) {
  bench_sep *b = (bench_sep *)calloc(1, sizeof *b);
  if (b && !bench_sep_of(name, parameter, &b->sep)) free(b), b = NULL;
  if (b) b->work.isa = (hfy_isa)isa;
  return b;
}

BENCH_API void bench_sep_bound(bench_sep *b, const double *upper) { b->sep.upper = upper; }

/* `times` times; 0 or the first error. */
BENCH_API int bench_sep_apply(long times, bench_sep *b, const hfy_real *theta, size_t rows, size_t n, hfy_real *y) {
  hfy_status status = HFY_OK;
  while (times-- && !status) status = hfy_sep_apply(&b->sep, theta, rows, n, y, &b->work);
  return status;
}

BENCH_API const char *bench_sep_message(const bench_sep *b) { return b->work.message; }

BENCH_API void bench_sep_free(bench_sep *b) {
  hfy_work_free(&b->work);
  free(b);
}

/* Sequential k-subsets, `times` times: u (n) and edges (n-1) of the solution, the gap and the steps that it took; 0 or the
   error. */
BENCH_API int bench_sequence(long times, size_t n, size_t k, const double *scores, const double *transitions, double *u,
                             double *edges, double *gap, double *steps) {
  static hfy_work work;
  hfy_structure structure = hfy_structure_sequence(n, k);
  hfy_structure_answer answer;
  hfy_status status = HFY_OK;
  memset(&answer, 0, sizeof answer);
  answer.unary = u, answer.higher = edges;
  while (times-- && !status) status = hfy_structure_solve(&structure, 1, scores, transitions, &answer, &work);
  *gap = answer.gap, *steps = (double)answer.steps;
  return status;
}

/* --- nets --- */

typedef struct bench_net {
  hfy_net net;
  hfy_work work;
  hfy_index index;
  void *memory;
} bench_net;

BENCH_API void *bench_net_new(const hfy_real *keys, size_t count, size_t dim, double beta, const char *sep, double parameter,
                              size_t max_steps, int isa) {
  bench_net *b = (bench_net *)calloc(1, sizeof *b);
  if (b && !bench_sep_of(sep, parameter, &b->net.sep)) free(b), b = NULL;
  if (!b) return NULL;
  b->net.keys = keys, b->net.count = count, b->net.dim = dim, b->net.beta = beta, b->net.max_steps = max_steps;
  b->work.isa = (hfy_isa)isa;
  return b;
}

BENCH_API int bench_retrieve(long times, bench_net *b, const hfy_real *queries, size_t n_queries, hfy_real *out) {
  hfy_status status = HFY_OK;
  while (times-- && !status) status = hfy_retrieve(&b->net, queries, n_queries, out, NULL, &b->work);
  return status;
}

/* The same, and how many weights were not zero and how many steps each query made. */
BENCH_API int bench_retrieve_report(bench_net *b, const hfy_real *queries, size_t n_queries, hfy_real *out, size_t *support,
                                    size_t *steps) {
  hfy_report report = {0};
  report.support = support, report.steps = steps;
  return hfy_retrieve(&b->net, queries, n_queries, out, &report, &b->work);
}

/* Attention of `heads` heads, one behind the other (heads x rows x dim), in one call. sep: as for a net; causal: row i sees
   keys 0 .. i. 0 or the error. */
BENCH_API int bench_attention(long times, const char *sep, int causal, size_t heads, size_t rows, size_t dim, const hfy_real *q,
                              const hfy_real *k, const hfy_real *v, hfy_real *out, int isa) {
  static hfy_work work;
  static size_t *visible, most;
  hfy_heads side = {0};
  hfy_net net = {0};
  hfy_status status = HFY_OK;
  size_t i;
  if (!bench_sep_of(sep, 1.5, &net.sep)) return HFY_ERR_ARG;
  if (most < rows) {
    free(visible);
    visible = (size_t *)malloc(rows * sizeof *visible), most = rows;
    for (i = 0; i < rows; i++) visible[i] = i + 1;
  }
  side.count = heads;
  side.queries = side.keys = side.readout = side.out = rows * dim;
  net.dim = net.readout_dim = dim, net.count = rows, net.keys = k, net.readout = v;
  if (causal) net.visible = visible;
  work.isa = (hfy_isa)isa;
  while (times-- && !status) status = hfy_retrieve_heads(&net, &side, q, rows, out, &work);
  return status;
}

BENCH_API size_t bench_net_peak(const bench_net *b) { return b->work.peak; }
BENCH_API const char *bench_net_message(const bench_net *b) { return b->work.message; }

/* Prepares the net's memory. prefix: as hfy_index_options. Returns its bytes, 0 on failure. */
BENCH_API size_t bench_net_prepare(bench_net *b, size_t prefix) {
  hfy_index_options options = {0};
  size_t bytes;
  options.prefix = prefix;
  bytes = hfy_index_size(b->net.count, b->net.dim, &options);
  free(b->memory);
  b->net.index = NULL;
  b->memory = bytes == SIZE_MAX ? NULL : aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE) / HUGE_PAGE * HUGE_PAGE);
#ifdef MADV_HUGEPAGE
  if (b->memory) madvise(b->memory, bytes, MADV_HUGEPAGE); /* as numpy does for the keys */
#endif
  if (!b->memory || hfy_index_build(b->net.keys, b->net.count, b->net.dim, 0, &options, b->memory, bytes, &b->index, &b->work))
    return 0;
  b->net.index = &b->index;
  return b->index.bytes;
}

/* How many principal directions it has. */
BENCH_API size_t bench_net_prefix(const bench_net *b) {
  return b->net.index ? b->index.prefix : 0;
}

BENCH_API void bench_net_free(bench_net *b) {
  hfy_work_free(&b->work);
  free(b->memory);
  free(b);
}

/* What the certificate costs: the index's own integer dots without bounds; the 10 k best of them are scored, and the k best
 * scores of those are the answer, right or wrong. The net is prepared. 0, or the error. */
BENCH_API int bench_guess(bench_net *b, const hfy_real *q, size_t k, double *best) {
  static unsigned char *memory;
  static size_t bytes;
  const hfy_simd_ *simd = hfy_simd_choose_(&b->work);
  size_t n = b->net.count, dim = b->net.dim, most = 10 * k, part = n < 16 * most ? 1 : n / (8 * most), i, m, *row = NULL;
  hfy_base_arena_ arena = {NULL, 0, 0, 0};
  hfy_index_scratch_ s;
  hfy_index_level_ level;
  hfy_index_seek_ seek;
  hfy_real *theta = NULL;
  double *some = NULL, bar;
  hfy_status status = hfy_index_begin_(&b->index, simd, b->net.keys, n, dim, dim, &seek, &b->work);
  if (status) return status;
  seek.beta = 1, seek.workers = 1, seek.kth = k;
  for (i = 0; i < 2; i++) { /* count, then take */
    arena.used = 0;
    hfy_index_plan_(&arena, &seek, 1, &s);
    theta = (hfy_real *)hfy_base_take_(&arena, n, sizeof(hfy_real));
    some = (double *)hfy_base_take_(&arena, 2 * n, sizeof(double));
    row = (size_t *)hfy_base_take_(&arena, n, sizeof(size_t));
    if (bytes < arena.used + 64) free(memory), memory = (unsigned char *)aligned_alloc(64, bytes = arena.used / 64 * 64 + 128);
    arena.base = memory, arena.room = bytes;
  }
  if (!memory || !hfy_index_aim_(&seek, q, &s)) return HFY_ERR_NOMEM;
  hfy_index_level_rows_(&seek, &s, &level);
  level.bound.near = level.bound.rest = 0;
  hfy_index_bounds_(&seek, &level, NULL, NULL, n, theta, &s);
  for (i = m = 0; i < n; i += part) some[m++] = (double)simd->max(theta + i, hfy_base_min_(part, n - i), NULL);
  bar = hfy_base_kth_largest_(some, m, most < m ? most : m);
  m = simd->window(theta, n, (hfy_real)bar, 0, row, some);
  for (i = 0; i < m; i++) some[i] = (double)theta[row[i]];
  if (most < m) hfy_base_largest_(some, m, most, row, row, some + m), m = most;
  for (i = 0; i < m; i++) {
    simd->dot(b->net.keys + row[i] * dim, dim, 1, q, dim, 1, dim, theta, 1);
    some[i] = b->net.beta * (double)theta[0];
  }
  if (m < k) return HFY_ERR_ARG;
  hfy_base_sort_(some, m);
  for (i = 0; i < k; i++) best[i] = some[m - 1 - i];
  return HFY_OK;
}

/* --- private kernels: the dot tile and the projection of a retrieval --- */

typedef struct bench_split {
  const hfy_simd_ *simd;
  const hfy_real *x, *q, *w;
  hfy_real *out, *room;
  size_t rows, dim, nq, parts, each; /* of the room, a part */
} bench_split;

enum { BENCH_FOLD = 512 }; /* rows of a block */

/* Room that is kept from call to call, as a hfy_work would keep it. */
static hfy_real *bench_room(size_t n) {
  static hfy_real *room;
  static size_t have;
  if (have < n) {
    free(room);
    have = n;
    room = (hfy_real *)malloc(n * sizeof *room);
    if (!room) abort();
  }
  return room;
}

/* As a retrieval does it: the scores of a block of rows at a time, close together; here they are then sent on. */
static void bench_scores_part(void *context, size_t i) {
  const bench_split *s = (const bench_split *)context;
  size_t from = s->rows * i / s->parts, to = s->rows * (i + 1) / s->parts, n, j;
  hfy_real *block = s->room + i * s->each;
  for (; from < to; from += n) {
    n = hfy_base_min_(BENCH_FOLD, to - from);
    s->simd->dot(s->x + from * s->dim, s->dim, n, s->q, s->dim, s->nq, s->dim, block, BENCH_FOLD);
    for (j = 0; j < s->nq; j++) memcpy(s->out + j * s->rows + from, block + j * BENCH_FOLD, n * sizeof *block);
  }
}

/* out[j*rows + i] = <x_i, q_j>: the canonical dot of every retrieval. */
BENCH_API void bench_scores(int isa, const hfy_real *x, size_t rows, size_t dim, const hfy_real *q, size_t nq, hfy_real *out,
                            int threads) {
  bench_split s = {0};
  s.simd = hfy_simd_of_((hfy_isa)isa), s.x = x, s.rows = rows, s.dim = dim, s.q = q, s.nq = nq, s.out = out;
  s.parts = (size_t)threads;
  s.each = nq * BENCH_FOLD;
  s.room = bench_room(s.parts * s.each);
  hfy_base_parallel_(s.parts, bench_scores_part, &s);
}

/* The same: the weights of a block close together, each part of the rows in folds that meet in its own sums. */
static void bench_combine_part(void *context, size_t i) {
  const bench_split *s = (const bench_split *)context;
  size_t from = s->rows * i / s->parts, to = s->rows * (i + 1) / s->parts, n, j, all = s->nq * s->dim;
  hfy_real *z = s->room + i * s->each, *fold = z + all, *block = fold + all;
  memset(z, 0, all * sizeof *z);
  for (; from < to; from += n) {
    n = hfy_base_min_(BENCH_FOLD, to - from);
    for (j = 0; j < s->nq; j++) memcpy(block + j * BENCH_FOLD, s->w + j * s->rows + from, n * sizeof *block);
    memset(fold, 0, all * sizeof *fold);
    s->simd->combine(block, BENCH_FOLD, s->nq, s->x + from * s->dim, s->dim, n, s->dim, fold, s->dim);
    hfy_net_add_(fold, all, z);
  }
}

/* z_j = sum over i of w[j*rows + i] x_i. */
BENCH_API void bench_combine(int isa, const hfy_real *w, size_t nq, const hfy_real *x, size_t rows, size_t dim, hfy_real *z,
                             int threads) {
  bench_split s = {0};
  size_t i;
  s.simd = hfy_simd_of_((hfy_isa)isa), s.x = x, s.rows = rows, s.dim = dim, s.w = w, s.nq = nq;
  s.parts = (size_t)threads;
  s.each = nq * (2 * dim + BENCH_FOLD);
  s.room = bench_room(s.parts * s.each);
  hfy_base_parallel_(s.parts, bench_combine_part, &s);
  memcpy(z, s.room, nq * dim * sizeof *z);
  for (i = 1; i < s.parts; i++) hfy_net_add_(s.room + i * s.each, nq * dim, z);
}

/* --- private kernels: the matrix products, with the arguments of CBLAS (row-major; 111 = as it is, 112 = transposed) --- */

static const hfy_simd_ *bench_gemm_simd;
static int bench_gemm_threads = 1;

/* Which instruction set and how many threads (rows or columns of C, whichever are more, are shared out; products up to
   64^3 stay on one, as in OpenBLAS). */
BENCH_API void bench_gemm_set(int isa, int threads) {
  bench_gemm_simd = hfy_simd_of_((hfy_isa)isa), bench_gemm_threads = threads; /* once, as OpenBLAS does when it is loaded */
}

#define bench_smultiply hfy_linalg_multiply_float_
#define bench_dmultiply hfy_linalg_multiply_
static hfy_linalg_view_ bench_view(const void *at, size_t row, size_t col) {
  hfy_linalg_view_ view = hfy_linalg_rows_(at, row);
  view.col = col;
  return view;
}

static hfy_linalg_into_ bench_into(double alpha, double beta, void *c, size_t row) {
  return alpha < 0 ? hfy_linalg_less_(c, row) : beta > 0 ? hfy_linalg_add_(c, row) : hfy_linalg_set_(c, row);
}

#define BENCH_PRODUCT(letter, real)                                                                                     \
  typedef struct bench_##letter##product {                                                                              \
    const hfy_simd_ *simd;                                                                                              \
    size_t m, n, k, a_row, a_col, b_row, b_col, c_row, parts, room;                                                     \
    real alpha, beta, *c, *scratch;                                                                                     \
    const real *a, *b;                                                                                                  \
  } bench_##letter##product;                                                                                            \
  static void bench_##letter##gemm_part(void *context, size_t i)                                                        \
  {                                                                                                                     \
    const bench_##letter##product *p = (const bench_##letter##product *)context;                                        \
    size_t tall = p->m >= p->n, all = tall ? p->m : p->n, cut = (all / p->parts + 47) / 48 * 48;                        \
    size_t from = hfy_base_min_(i * cut, all), to = i + 1 == p->parts ? all : hfy_base_min_(from + cut, all);           \
    if (to > from)                                                                                                      \
      bench_##letter##multiply(p->simd, tall ? to - from : p->m, tall ? p->n : to - from, p->k,                         \
                                     bench_view(tall ? p->a + from * p->a_row : p->a, p->a_row, p->a_col),              \
                                     bench_view(tall ? p->b : p->b + from * p->b_col, p->b_row, p->b_col),              \
                                     bench_into((double)p->alpha, (double)p->beta,                                      \
                                                tall ? p->c + from * p->c_row : p->c + from, p->c_row),                 \
                                     p->scratch + i * p->room);                                                         \
  }                                                                                                                     \
  BENCH_API void bench_##letter##gemm(int order, int ta, int tb, int m, int n, int k, real alpha, const real *a, int lda,   \
                    const real *b, int ldb, real beta, real *c, int ldc)                                                \
  {                                                                                                                     \
    static real *scratch;                                                                                               \
    static size_t room;                                                                                                 \
    bench_##letter##product p = {0};                                                                                    \
    (void)order;                                                                                                        \
    p.simd = bench_gemm_simd;                                                                                           \
    p.parts = (double)m * n * k > 262144 ? (size_t)bench_gemm_threads : 1;                                              \
    p.m = (size_t)m, p.n = (size_t)n, p.k = (size_t)k, p.alpha = alpha, p.beta = beta, p.a = a, p.b = b, p.c = c;       \
    p.a_row = ta == 112 ? 1 : (size_t)lda, p.a_col = ta == 112 ? (size_t)lda : 1;                                       \
    p.b_row = tb == 112 ? 1 : (size_t)ldb, p.b_col = tb == 112 ? (size_t)ldb : 1, p.c_row = (size_t)ldc;                \
    p.room = (hfy_linalg_gemm_scratch_(p.m, p.n, p.k, sizeof(real)) + 63) / 64 * 64;                                    \
    if (room < p.room * p.parts) {                                                                                      \
      room = p.room * p.parts;                                                                                          \
      free(scratch);                                                                                                    \
      scratch = (real *)aligned_alloc(64, room * sizeof(real));                                                         \
    }                                                                                                                   \
    p.scratch = scratch;                                                                                                \
    hfy_base_parallel_(p.parts, bench_##letter##gemm_part, &p);                                                         \
  }
BENCH_PRODUCT(s, float)
BENCH_PRODUCT(d, double)

/* One vector: the kernels of a retrieval, scores (111) or the projection (112). Threads share rows of y. */
static void bench_sgemv_part(void *context, size_t i) {
  const bench_sproduct *p = (const bench_sproduct *)context;
  size_t from = p->m * i / p->parts, to = p->m * (i + 1) / p->parts;
  if (to == from) return;
  if (p->a_col == 1) {
    p->simd->dot(p->a + from * p->a_row, p->a_row, to - from, p->b, p->k, 1, p->k, p->c + from, to - from);
  } else {
    memset(p->c + from, 0, (to - from) * sizeof *p->c);
    p->simd->combine(p->b, p->k, 1, p->a + from, p->a_col, p->k, to - from, p->c + from, p->m);
  }
}

BENCH_API void bench_sgemv(int order, int ta, int m, int n, float alpha, const float *a, int lda, const float *x,
                           int step_x, float beta, float *y, int step_y) {
  bench_sproduct p = {0};
  (void)order, (void)alpha, (void)step_x, (void)beta, (void)step_y;
  p.simd = bench_gemm_simd, p.parts = (size_t)bench_gemm_threads;
  p.m = (size_t)(ta == 112 ? n : m), p.k = (size_t)(ta == 112 ? m : n), p.a = a, p.b = x, p.c = y;
  p.a_row = ta == 112 ? 1 : (size_t)lda, p.a_col = ta == 112 ? (size_t)lda : 1;
  hfy_base_parallel_(p.parts, bench_sgemv_part, &p);
}

/* --- kernel memories, eigenvalues: status of the call, message at bench_kernel_message --- */

static hfy_work bench_kernel_work;
static hfy_kernel_result bench_kernel_result;

BENCH_API const char *bench_kernel_message(void) { return bench_kernel_work.message; }
BENCH_API double bench_kernel_loss(void) { return bench_kernel_result.loss; }
BENCH_API double bench_kernel_largest(void) { return bench_kernel_result.gram_largest; }
BENCH_API double bench_kernel_iterations(void) { return (double)bench_kernel_result.iterations; }

static hfy_kernel bench_kernel_of(size_t count, size_t dim, const uint64_t *packed, double gamma, size_t nearest) {
  hfy_kernel k;
  memset(&k, 0, sizeof k);
  k.dim = dim, k.count = count, k.patterns = packed, k.gamma = gamma, k.nearest = nearest;
  return k;
}

/* trainer: 0 exact, 1 the papers'; iterations 0: until the residual is 1e-8; gram may be NULL. Running out of
   iterations is fine here. */
BENCH_API int bench_kernel_train(size_t times, size_t count, size_t dim, const uint64_t *packed, double gamma, int trainer,
                                 size_t iterations, double eta, const double *gram, double *alpha) {
  hfy_kernel k = bench_kernel_of(count, dim, packed, gamma, 0);
  hfy_kernel_training how;
  int status = 0;
  memset(&how, 0, sizeof how);
  how.trainer = (hfy_kernel_trainer)trainer, how.max_iterations = iterations, how.eta = eta, how.gram = gram;
  while (times-- && (!status || status == HFY_ERR_CONVERGENCE))
    status = (int)hfy_kernel_train(&k, &how, alpha, &bench_kernel_result, &bench_kernel_work);
  return status == HFY_ERR_CONVERGENCE && iterations ? 0 : status;
}

/* width: 8 alpha in double, 4 in float, 1 in bytes. bound: NULL or what skipping needs. */
BENCH_API int bench_kernel_recall(size_t times, size_t count, size_t dim, const uint64_t *packed, double gamma,
                                  const void *alpha, int width, const double *bound, size_t nearest, size_t steps,
                                  const uint64_t *states, size_t n, uint64_t *out) {
  hfy_kernel k = bench_kernel_of(count, dim, packed, gamma, nearest);
  int status = 0;
  k.max_steps = steps;
  k.bound = bound;
  if (width == 8) k.alpha = (const double *)alpha;
  if (width == 4) k.alpha_float = (const float *)alpha;
  if (width == 1) k.alpha_bytes = (const signed char *)alpha;
  while (times-- && !status) status = (int)hfy_kernel_recall(&k, states, n, out, NULL, &bench_kernel_work);
  return status;
}

BENCH_API int bench_kernel_quantize(const double *alpha, size_t n, signed char *bytes) {
  return (int)hfy_kernel_quantize(alpha, n, bytes, NULL, &bench_kernel_work);
}

BENCH_API int bench_eigen(size_t times, const double *a, size_t n, double *values, double *vectors) {
  int status = 0;
  while (times-- && !status) status = (int)hfy_linalg_eigen(a, n, values, vectors, &bench_kernel_work);
  return status;
}

BENCH_API int bench_svd(size_t times, const double *a, size_t rows, size_t columns, double *values, double *left,
                        double *right) {
  int status = 0;
  while (times-- && !status)
    status = (int)hfy_linalg_svd(a, rows, columns, values, left, right, &bench_kernel_work);
  return status;
}

BENCH_API int bench_pinv(size_t times, const double *a, size_t rows, size_t columns, double *inverse) {
  int status = 0;
  while (times-- && !status)
    status = (int)hfy_linalg_pinv(a, rows, columns, 0, inverse, NULL, &bench_kernel_work);
  return status;
}

/* --- layers --- */

typedef struct bench_layer {
  hfy_layer layer;
  hfy_layer_input in;
  hfy_work work;
  size_t params, rows;
  hfy_real *param, *tape, *d_param, *d_in, *d_weights;
} bench_layer;

/* bags of `each` rows; queries > 0: pooling; memories > 0: lookup; raw: no norms. Parameters of standard deviation
   scale, norms 1 and 0. */
BENCH_API void *bench_layer_new(size_t width, size_t heads, size_t head_width, size_t queries, size_t memories,
                                size_t extra, int raw, size_t bags, size_t each) {
  bench_layer *b = (bench_layer *)calloc(1, sizeof *b);
  hfy_param table[32];
  size_t entries, i;
  hfy_rng rng = hfy_rng_seed(1);
  if (!b) return NULL;
  b->layer.width = width;
  b->layer.heads = heads;
  b->layer.head_width = head_width;
  b->layer.queries = queries;
  b->layer.memories = memories;
  b->layer.extra_steps = extra;
  if (raw) b->layer.norm_state = b->layer.norm_stored = b->layer.norm_projected = HFY_LAYER_RAW;
  b->in.bags = bags;
  b->in.stored_each = b->in.state_each = each;
  if (hfy_layer_params(&b->layer, "", 0, table, 32, &entries, &b->params, &b->work)) return NULL;
  b->param = (hfy_real *)calloc(2 * b->params, sizeof(hfy_real));
  b->d_param = b->param + b->params;
  for (i = 0; i < entries; i++)
    if (table[i].start == HFY_PARAM_NORMAL) table[i].start = HFY_PARAM_DENSE;
  hfy_param_init(table, entries, &rng, b->param, &b->work);
  b->rows = bags * each;
  if (memories) b->in.state = b->param; /* until there is one */
  hfy_layer_tape(&b->layer, &b->in, &b->in.tape_reals, &b->work);
  b->tape = (hfy_real *)malloc(b->in.tape_reals * sizeof(hfy_real));
  b->d_in = (hfy_real *)calloc(b->rows * width, sizeof(hfy_real));
  return b;
}
BENCH_API const hfy_real *bench_layer_param(const bench_layer *b) { return b->param; }
BENCH_API const hfy_real *bench_layer_gradient(const bench_layer *b, int of_input) {
  return of_input ? b->d_in : b->d_param;
}
BENCH_API size_t bench_layer_tape(const bench_layer *b) { return b->in.tape_reals; }
BENCH_API const char *bench_layer_message(const bench_layer *b) { return b->work.message; }

/* dout NULL: forward alone, without a tape. */
BENCH_API int bench_layer_run(long times, bench_layer *b, const hfy_real *x, const hfy_real *dout, hfy_real *out) {
  hfy_status status = HFY_OK;
  hfy_layer_grad grad = {b->d_param, NULL, NULL, NULL, NULL};
  *(b->layer.memories ? &b->in.state : &b->in.stored) = x;
  *(b->layer.memories ? &grad.state : &grad.stored) = b->d_in;
  while (times-- && !status) {
    status = hfy_layer_forward(&b->layer, b->param, &b->in, out, dout ? b->tape : NULL, NULL, &b->work);
    if (!dout || status) continue;
    memset(b->d_param, 0, b->params * sizeof(hfy_real));
    memset(b->d_in, 0, b->rows * b->layer.width * sizeof(hfy_real));
    status = hfy_layer_backward(&b->layer, b->param, &b->in, b->tape, dout, &grad, &b->work);
  }
  return status;
}
