/* The prepared memory: its candidates are those of the full scan to the bit, its bounds hold, strangers are refused. */
#define HFY_STATIC /* what no test reaches is not compiled */
#define HFY_IMPLEMENTATION
#include <stddef.h>
static int helping = 1; /* what tests share a call among, the last task first */
#define HFY_WORKERS helping
#define HFY_PARALLEL_FOR(n, body, context) \
  do { \
    for (size_t task_ = (n); task_--;) (body)((context), task_); \
  } while (0)
#include "../hfy.h"
#include "check.h"

#ifdef HFY_DOUBLE
#define TINY 2.2250738585072014e-308
#else
#define TINY 1.1754943508222875e-38
#endif

/* --- data --- */

enum { GAUSS, IMAGES, OUTLIERS, ZEROS, DENORMAL, CANCELLING, TIES, EQUAL, HUGE_KEYS, SMALL_KEYS, SPIKES, KINDS };

static const char *const kind_name[] = {"gauss", "images", "outliers", "zeros", "denormal", "cancelling",
                                        "ties",  "equal",  "huge",     "small", "spikes"};

static void make_keys(int kind, hfy_rng *rng, size_t count, size_t dim, size_t stride, hfy_real *keys) {
  size_t i, d;
  for (i = 0; i < count; i++) {
    double a = hfy_rng_normal(rng), b = hfy_rng_normal(rng), c = hfy_rng_normal(rng);
    for (d = 0; d < stride; d++) {
      double v = hfy_rng_normal(rng), x = (double)d / (double)dim;
      if (kind == IMAGES) { /* a grid of 256 greys, mostly dark, few dimensions */
        v = -1 + a * sin(3 * x) + b * cos(7 * x) + c * sin(11 * x) + 0.1 * v;
        v = v < -1 ? -1 : v > 1 ? 1 : floor((v + 1) * 127.5) / 127.5 - 1;
      }
      if (kind == OUTLIERS && i % 7 == 3) v *= 1e6;
      if (kind == OUTLIERS && i % 7 == 5 && d == dim / 2) v *= 1e5;
      if (kind == ZEROS && i % 3 != 1) v = i % 2 ? 0 : -0.0;
      if (kind == DENORMAL) v *= i % 3 == 0 ? TINY / 8 : i % 3 == 1 ? TINY * 1e3 : 1e-3;
      if (kind == CANCELLING) v = (d % 2 ? -1 : 1) * (1e4 + 1e-2 * v);
      if (kind == TIES) v = floor(v * 1.5);
      if (kind == EQUAL) v = 0.25 + (double)(d % 5);
      if (kind == HUGE_KEYS) v *= 1e30;
      if (kind == SMALL_KEYS) v *= 1e-30;
      if (kind == SPIKES) v = hfy_rng_uniform(rng) < 0.1 ? 30 * v : 1e-3 * v;
      keys[i * stride + d] = (hfy_real)v;
    }
    if (kind == TIES && i > 2 && i % 2) memcpy(keys + i * stride, keys + (i - 2) * stride, dim * sizeof *keys);
  }
}

/* A query that has something to find: a key with noise, or nothing but noise. */
static void make_query(hfy_rng *rng, const hfy_real *keys, size_t count, size_t dim, size_t stride, double noise,
                       hfy_real *q) {
  const hfy_real *x = keys + (size_t)(hfy_rng_u64(rng) % count) * stride;
  size_t d;
  double size = 0;
  for (d = 0; d < dim; d++) size = fabs((double)x[d]) > size ? fabs((double)x[d]) : size;
  if (size > 1e25) size *= 1e-28; /* a score must stay in range */
  for (d = 0; d < dim; d++) {
    double v = fabs((double)x[d]) > 1e25 ? 1e-28 * (double)x[d] : (double)x[d];
    q[d] = (hfy_real)(v + noise * size * hfy_rng_normal(rng));
  }
}

/* --- the full scan, in the test's own words --- */

static hfy_status full_scan(const hfy_simd_ *simd, const hfy_real *keys, size_t count, size_t dim, size_t stride,
                            const hfy_real *q, double beta, double width, size_t kth, const hfy_real *bias,
                            size_t visible, size_t *index, double *theta, size_t *n) {
  hfy_real *all = (hfy_real *)malloc(count * sizeof *all);
  double *sorted = (double *)malloc(count * sizeof *sorted), top = -HUGE_VAL;
  hfy_status status = HFY_ERR_ARG;
  size_t i, m = 0;
  *n = 0;
  simd->dot(keys, stride, count, q, dim, 1, dim, all, count);
  for (i = 0; i < count; i++) {
    all[i] = (hfy_real)(beta * (double)all[i]);
    if (bias) all[i] = hfy_base_is_neg_inf_((double)bias[i]) ? bias[i] : all[i] + bias[i];
    if (i >= visible) all[i] = (hfy_real)-HUGE_VAL;
    if (hfy_base_is_nan_((double)all[i]) || hfy_base_is_pos_inf_((double)all[i])) status = HFY_ERR_NONFINITE;
    if (!hfy_base_is_neg_inf_((double)all[i])) sorted[m++] = (double)all[i];
  }
  if (status == HFY_ERR_ARG && m) {
    status = HFY_OK;
    if (m >= kth) top = hfy_base_kth_largest_(sorted, m, kth);
    for (i = 0; i < count; i++) {
      double d = top - (double)all[i];
      if (hfy_base_is_neg_inf_((double)all[i]) || !(d < width || !(d > 0))) continue;
      index[*n] = i;
      theta[(*n)++] = (double)all[i];
    }
  }
  free(all);
  free(sorted);
  return status;
}

/* --- one prepared memory and what a search needs --- */

typedef struct {
  hfy_real *keys;
  size_t count, dim, stride;
  void *block, *memory, *arena;
  hfy_index index;
  hfy_net_run_ run; /* a call of the net whose lists are sought */
  hfy_net_scratch_ tile;
} memory_of;

static hfy_status prepare(memory_of *m, const hfy_index_options *options, size_t shift) {
  size_t bytes = hfy_index_size(m->count, m->dim, options);
  hfy_work work;
  hfy_status status;
  memset(&work, 0, sizeof work);
  m->block = malloc(bytes + 64);
  m->memory = (unsigned char *)m->block + shift;
  m->arena = NULL;
  status = hfy_index_build(m->keys, m->count, m->dim, m->stride, options, m->memory, bytes, &m->index, &work);
  hfy_work_free(&work);
  return status;
}

/* Searches by index, or (NULL) only by the bounds that scans leave; shared among three. */
static hfy_status begin(memory_of *m, const hfy_index *index, hfy_isa isa, double beta, double width, size_t kth) {
  hfy_net_run_ *run = &m->run;
  memset(run, 0, sizeof *run);
  run->net.dim = m->dim, run->net.count = m->count, run->net.keys = m->keys, run->net.key_stride = m->stride;
  run->net.beta = beta, run->late = 1, run->net.index = index;
  run->net.sep.kind = kth > 1 ? HFY_SEP_KSUBSETS : HFY_SEP_SPARSEMAX;
  run->simd = hfy_simd_of_(isa);
  run->block = run->fold = 8, run->segment = 40;
  run->fast.mode = HFY_NET_LISTS_, run->fast.margin = width, run->fast.kth = kth, run->fast.workers = 3;
  run->fast.capacity = hfy_base_min_(20, m->count);
  return hfy_net_choose_bounds_(run, NULL);
}

static void scratch_for(memory_of *m, size_t batch, int keeps) {
  hfy_base_arena_ arena = {NULL, 0, 0, 0};
  free(m->arena);
  m->run.tile = batch, m->run.fast.keeps = keeps;
  hfy_net_plan_tile_(&arena, &m->run, 0, &m->tile);
  m->arena = malloc(arena.used + 64);
  arena.base = (unsigned char *)m->arena, arena.room = arena.used, arena.used = 0;
  hfy_net_plan_tile_(&arena, &m->run, 0, &m->tile);
  if (keeps) hfy_net_centre_(&m->run, &m->tile.fast.bounds);
}

/* Query j of a tile. */
static void seat(memory_of *m, size_t j, size_t who, const hfy_real *q) {
  m->tile.walk[j].who = who;
  m->tile.walk[j].step = 1; /* it may come from elsewhere */
  m->tile.walk[j].q = m->tile.q + j * m->dim;
  memcpy(m->tile.walk[j].q, q, m->dim * sizeof *q);
}

static void drop(memory_of *m) {
  free(m->block);
  free(m->arena);
}

/* Every set of integer kernels that this machine has. */
static size_t kernels(const hfy_simd_int8_ *list[4]) {
  static const hfy_isa isa[] = {HFY_ISA_SCALAR, HFY_ISA_SSE2, HFY_ISA_AVX2, HFY_ISA_AVX512};
  size_t i, j, n = 0;
  for (i = 0; i < 4; i++) {
    const hfy_simd_int8_ *one = hfy_simd_int8_of_(isa[i]);
    for (j = 0; j < n && list[j] != one;) j++;
    if (j == n) list[n++] = one;
  }
  return n;
}

/* Query j of the seated nq, in order: the first reads what they share, and may change their places. */
static int agree(memory_of *m, const char *what, size_t nq, size_t j, const hfy_real *q, const hfy_real *bias,
                 size_t visible) {
  hfy_index_seek_ *seek = &m->run.fast.seek;
  size_t *index = m->tile.sep.index, *want = (size_t *)malloc(m->count * sizeof *want), who;
  double *theta = m->tile.sep.weight, *exact = (double *)malloc(m->count * sizeof *exact);
  size_t n, want_n, l;
  hfy_status status, wanted;
  int ok;
  if (nq == 1) { /* nobody seated it */
    m->run.net.bias = bias;
    m->run.net.visible = bias || visible < m->count ? &visible : NULL;
    seat(m, 0, 0, q);
  }
  if (!j) hfy_net_look_(&m->run, nq, &m->tile);
  who = m->tile.walk[j].who;
  if (m->run.net.bias) bias = m->run.net.bias + who * m->run.net.bias_stride;
  if (m->run.net.visible) visible = m->run.net.visible[who];
  wanted = full_scan(seek->simd, m->keys, m->count, m->dim, m->stride, m->tile.walk[j].q, seek->beta, seek->width,
                     seek->kth, bias, visible, want, exact, &want_n);
  status = hfy_net_candidates_(&m->run, nq, j, &m->tile);
  n = status ? 0 : m->tile.sep.count;
  if (!status && j < m->tile.fast.scanned) { /* by a pass over the keys: what a separation would look at */
    hfy_net_list_ all = {index, theta, n, n, n, -HUGE_VAL, 0, HFY_OK};
    for (l = 0; l < n && seek->kth == 1; l++) all.top = theta[l] > all.top ? theta[l] : all.top;
    hfy_net_compact_(&m->run, &all, m->tile.sep.sorted, NULL);
    n = all.count;
    if (!n) status = HFY_ERR_ARG;
  }
  ok = status == wanted && n == want_n && !memcmp(index, want, n * sizeof *index) &&
       !memcmp(theta, exact, n * sizeof *theta);
  if (!CHECK(ok))
    printf("    %s, %s dot, %s int8: count %zu dim %zu prefix %zu beta %g width %g kth %zu nq %zu query %zu bias "
           "%d visible %zu: "
           "status %d want %d, %zu candidates want %zu\n",
           what, hfy_simd_text(seek->simd->isa), seek->int8->name, m->count, m->dim, m->index.prefix, seek->beta,
           seek->width, seek->kth, nq, j, bias != NULL, visible, (int)status, (int)wanted, n, want_n);
  free(want), free(exact);
  return ok;
}

/* A typical score, to choose beta by. */
static double typical_score(const memory_of *m, const hfy_real *q) {
  double sum = 0;
  size_t i, d;
  for (i = 0; i < m->count; i++) {
    double s = 0;
    for (d = 0; d < m->dim; d++) s += (double)m->keys[i * m->stride + d] * (double)q[d];
    sum += fabs(s);
  }
  sum /= (double)m->count;
  return sum > 1e-300 ? sum : 1;
}

static void search_all(memory_of *m, const char *what, hfy_rng *rng, size_t nq) {
  static const double reach[] = {0.1, 30, 3000, 1e7};
  static const double widths[] = {1, 2, 0, 1e9};
  static const size_t ranks[] = {1, 1, 2, 40, 1, 9, 100};
  const hfy_simd_int8_ *list[4];
  hfy_real *q = (hfy_real *)malloc(nq * m->dim * sizeof *q), *bias = (hfy_real *)malloc(3 * m->count * sizeof *bias);
  size_t *who = (size_t *)malloc(nq * sizeof *who), *visible = (size_t *)malloc(nq * sizeof *visible);
  size_t n = kernels(list), k, j, i, r, mode;
  for (j = 0; j < nq; j++) {
    make_query(rng, m->keys, m->count, m->dim, m->stride, j % 3 ? 0.5 : 0, q + j * m->dim);
    who[j] = nq - 1 - j;
    visible[who[j]] = j % 5 == 4 ? (size_t)(hfy_rng_u64(rng) % (m->count + 1)) : m->count + j % 2;
  }
  for (k = 0; k < n; k++) {
    double score = typical_score(m, q);
    for (r = 0; r < sizeof ranks / sizeof *ranks; r++) {
      double beta = reach[(r + k) % 4] / score, width = widths[(r + k / 2 + m->dim) % 4];
      hfy_isa isa = (r + k) % 2 ? HFY_ISA_BEST : HFY_ISA_SCALAR;
      if (!(beta < 1e37)) beta = 1e37;
      CHECK(begin(m, &m->index, isa, beta, width, ranks[r]) == HFY_OK);
      m->run.fast.seek.int8 = list[k];
      scratch_for(m, nq, 0);
      mode = (r + k + m->count) % 4; /* 1: one bias for all; 2: a bias each of three, with masks; 3: visible */
      for (i = 0; i < 3 * m->count; i++) {
        bias[i] = (hfy_real)hfy_rng_normal(rng);
        if (mode == 2 && hfy_rng_u64(rng) % 3 == 0) bias[i] = (hfy_real)-HUGE_VAL;
      }
      for (j = 0; j < nq && mode == 2; j++) who[j] %= 3;
      for (j = 0; j < nq && mode != 2; j++) who[j] = nq - 1 - j;
      m->run.net.bias = mode == 1 || mode == 2 ? bias : NULL;
      m->run.net.bias_stride = mode == 2 ? m->count : 0;
      m->run.net.visible = mode == 3 ? visible : NULL;
      for (j = 0; j < nq; j++) seat(m, j, who[j], q + j * m->dim);
      for (j = 0; j < nq; j++)
        agree(m, what, nq, j, q + j * m->dim,
              mode == 1   ? bias
              : mode == 2 ? bias + who[j] * m->count
                          : NULL,
              mode == 3 ? visible[who[j]] : m->count);
    }
  }
  free(q), free(bias), free(who), free(visible);
}

/* --- tests --- */

TEST(same_bits_as_the_full_scan) {
  static const size_t dims[] = {1, 2, 3, 7, 15, 16, 17, 33, 63, 64, 65, 100, 127, 128, 130, 784};
  static const size_t counts[] = {1, 2, 5, 31, 33, 100, 290};
  hfy_rng rng = hfy_rng_seed(11);
  size_t a, kind;
  for (kind = 0; kind < KINDS; kind++)
    for (a = 0; a < sizeof dims / sizeof *dims; a++) {
      memory_of m;
      hfy_index_options options = {0, 0, 0, HFY_SIM_DOT};
      if (!MINE(kind + a)) continue;
      m.dim = dims[a], m.count = counts[(a + kind) % 7], m.stride = m.dim + (a % 3 == 2 ? 5 : 0);
      m.keys = (hfy_real *)malloc(m.count * m.stride * sizeof *m.keys);
      make_keys((int)kind, &rng, m.count, m.dim, m.stride, m.keys);
      options.prefix = a % 3 == 0 ? 0 : a % 3 == 1 ? m.dim / 4 + 1 : SIZE_MAX; /* of 128: with blocks */
      CHECK(prepare(&m, &options, a * 7 % 64) == HFY_OK);
      search_all(&m, kind_name[kind], &rng, a % 2 ? 3 : 19);
      drop(&m);
      free(m.keys);
    }
}

TEST(same_bits_in_larger_memories) {
  static const size_t kinds[] = {IMAGES, GAUSS, OUTLIERS, TIES};
  const hfy_index_options blocks = {40, 0, 0, HFY_SIM_DOT};
  hfy_rng rng = hfy_rng_seed(5);
  size_t a;
  for (a = 0; a < 4; a++) {
    memory_of m;
    if (!MINE(a)) continue;
    m.dim = 131, m.count = 2200, m.stride = m.dim;
    m.keys = (hfy_real *)malloc(m.count * m.stride * sizeof *m.keys);
    make_keys((int)kinds[a], &rng, m.count, m.dim, m.stride, m.keys);
    CHECK(prepare(&m, a < 3 ? NULL : &blocks, 3) == HFY_OK);
    if (kinds[a] == IMAGES) CHECK(m.index.prefix == 32 && m.index.residual < 0.5);
    if (kinds[a] == GAUSS) CHECK(m.index.prefix == 0 && m.index.residual == 1);
    search_all(&m, kind_name[kinds[a]], &rng, 4);
    search_all(&m, kind_name[kinds[a]], &rng, 17);
    drop(&m);
    free(m.keys);
  }
}

#ifndef HFY_DOUBLE /* a dimension beyond what 32 bits add up at a time; bytes are those of either precision */
TEST(long_rows) {
  hfy_rng rng = hfy_rng_seed(8);
  size_t dim = 70001, i, nq = 2, d;
  memory_of m;
  hfy_index_options options = {3, 0, 0, HFY_SIM_DOT};
  m.dim = dim, m.count = 6, m.stride = dim;
  m.keys = (hfy_real *)malloc(m.count * dim * sizeof *m.keys);
  make_keys(GAUSS, &rng, m.count, dim, dim, m.keys);
  for (i = 0; i < 2; i++)
    for (d = 0; d < dim; d++)
      m.keys[i * dim + d] = (hfy_real)(i ? -1 : 1); /* the largest whole numbers there are */
  CHECK(prepare(&m, &options, 0) == HFY_OK);
  search_all(&m, "long", &rng, nq);
  drop(&m);
  free(m.keys);
}

#endif

/* An odd query: zero, not finite, out of range. And biases that are no numbers. */
TEST(odd_queries) {
  hfy_rng rng = hfy_rng_seed(21);
  size_t dim = 40, i, d, c;
  hfy_real q[40], bias[50];
  const hfy_simd_int8_ *list[4];
  size_t n = kernels(list);
  memory_of m;
  m.dim = dim, m.count = 50, m.stride = dim;
  m.keys = (hfy_real *)malloc(m.count * dim * sizeof *m.keys);
  make_keys(GAUSS, &rng, m.count, dim, dim, m.keys);
  CHECK(prepare(&m, NULL, 1) == HFY_OK);
  for (c = 0; c < 9; c++)
    for (i = 0; i < n; i++) {
      size_t k;
      for (d = 0; d < dim; d++) q[d] = (hfy_real)hfy_rng_normal(&rng);
      for (k = 0; k < m.count; k++) bias[k] = (hfy_real)hfy_rng_normal(&rng);
      if (c == 0)
        for (d = 0; d < dim; d++) q[d] = 0;
      if (c == 1) q[7] = (hfy_real)NAN;
      if (c == 2) q[39] = (hfy_real)HUGE_VAL;
      if (c == 3)
        for (d = 0; d < dim; d++) q[d] *= (hfy_real)(REAL_MAX / 16);
      if (c == 4) bias[3] = (hfy_real)NAN;
      if (c == 5) bias[49] = (hfy_real)HUGE_VAL;
      if (c == 6)
        for (k = 0; k < m.count; k++) bias[k] = (hfy_real)-HUGE_VAL;
      if (c == 7)
        for (d = 0; d < dim; d++) q[d] *= (hfy_real)TINY;
      if (c == 8)
        for (d = 0; d < dim; d++) q[d] *= (hfy_real)(REAL_MAX / 4000);
      CHECK(begin(&m, &m.index, HFY_ISA_BEST, c == 7 ? 1 : 0.5, 1, 1) == HFY_OK);
      m.run.fast.seek.int8 = list[i];
      scratch_for(&m, 1, 0);
      agree(&m, "odd", 1, 0, q, c >= 4 && c <= 6 ? bias : NULL, m.count);
      agree(&m, "odd", 1, 0, q, c >= 4 && c <= 6 ? bias : NULL, 0);
      agree(&m, "odd", 1, 0, q, c >= 4 && c <= 6 ? bias : NULL, 3);
    }
  drop(&m);
  free(m.keys);
}

/* More candidates than a batch lists. */
TEST(a_batch_that_overflows) {
  hfy_rng rng = hfy_rng_seed(4);
  size_t dim = 9, nq = 18, j, k, d, i;
  const hfy_simd_int8_ *list[4];
  size_t n = kernels(list), given_up = 0;
  hfy_real q[18 * 9], *bias;
  size_t who[18];
  hfy_index_options options = {2, 0, 0, HFY_SIM_DOT}; /* it rules out nothing, and is given up */
  memory_of m;
  m.dim = dim, m.count = 5000, m.stride = dim;
  m.keys = (hfy_real *)malloc(m.count * dim * sizeof *m.keys);
  bias = (hfy_real *)malloc(m.count * sizeof *bias);
  for (i = 0; i < m.count; i++) { /* scores that rise along the file */
    bias[i] = (hfy_real)(i % 7 == 2 ? -HUGE_VAL : 0);
    for (d = 0; d < dim; d++) m.keys[i * dim + d] = (hfy_real)(1 + 1e-4 * (double)i + 1e-6 * hfy_rng_normal(&rng));
  }
  CHECK(prepare(&m, &options, 1) == HFY_OK);
  for (j = 0; j < nq; j++) {
    who[j] = 0;
    for (d = 0; d < dim; d++) q[j * dim + d] = (hfy_real)(j % 2 ? hfy_rng_normal(&rng) : 1);
  }
  for (k = 0; k < n; k++)
    for (i = 0; i < 6; i++) {
      double beta = i % 3 == 0 ? 0.01 : i % 3 == 1 ? 2 : 1000;
      CHECK(begin(&m, &m.index, HFY_ISA_BEST, beta, 1, 1 + i / 3 * 4) == HFY_OK);
      m.run.fast.seek.int8 = list[k];
      scratch_for(&m, nq, 0);
      m.run.net.bias = i % 2 ? bias : NULL;
      for (j = 0; j < nq; j++) seat(&m, j, who[j], q + j * dim);
      for (j = 0; j < nq; j++) agree(&m, "overflow", nq, j, q + j * dim, i % 2 ? bias : NULL, m.count);
      given_up += i % 2 == 0 && !m.tile.fast.index.deep;
    }
  CHECK(given_up > 0);
  drop(&m);
  free(m.keys);
  free(bias);
}

/* --- the bound attacked: every certified interval must hold the exact and the canonical score --- */

static long double exact_dot(const hfy_real *x, const hfy_real *q, size_t dim, long double *all) {
  long double sum = 0, size = 0;
  size_t d;
  for (d = 0; d < dim; d++) {
    long double v = (long double)x[d] * (long double)q[d];
    sum += v;
    size += fabsl(v);
  }
  *all = size;
  return sum;
}

/* How far the bound of each row was used: returns the largest |score - middle| / reach; above 1 it is wrong. prefix: 1,
   or 2: its first directions. */
static double attack(memory_of *m, const hfy_simd_int8_ *int8, const hfy_real *q, int prefix, double *canonical) {
  hfy_index_seek_ *seek = &m->run.fast.seek;
  hfy_index_scratch_ *s = &m->tile.fast.index;
  hfy_index_level_ l;
  double worst = 0, dot;
  size_t i;
  *canonical = 0;
  seek->int8 = int8;
  scratch_for(m, 1, 0);
  if (!hfy_index_aim_(seek, q, s)) return 0;
  if (prefix)
    hfy_index_level_along_(seek, prefix == 2, s, &l);
  else
    hfy_index_level_rows_(seek, s, &l);
  for (i = 0; i < m->count; i++) {
    double block[HFY_SIMD_TILE_ + 8], reach = (double)l.a[i] * l.bound.near + (double)l.b[i] * l.bound.rest;
    const hfy_real *x = m->keys + i * m->stride;
    long double all, exact = exact_dot(x, q, m->dim, &all);
    double up, down, off, unit = ldexp(1.0, seek->index->exponent + s->exponent);
    hfy_real score, naive = 0;
    size_t d;
    seek->simd->dot(x, m->stride, 1, q, m->dim, 1, m->dim, &score, 1);
    for (d = 0; d < m->dim; d++) naive += x[d] * q[d]; /* the worst order there is */
    if (m->dim > 2048) naive = score;
    if (l.first) {
      hfy_index_sweep_(seek, &l, i / 32 * 32, hfy_base_min_(32, m->count - i / 32 * 32), block);
      off = block[i % 32] - reach - l.bound.shift;
    } else {
      int8->dot(l.rows + i * l.stride, l.stride, NULL, 1, &l.q, &dot);
      off = (dot - l.planes * (double)l.sum[i]) * (double)l.scale[i] * l.bound.scale + (l.c ? (double)l.c[i] * l.bound.along : 0);
    }
    up = l.first ? block[i % 32] * unit : (off + reach + l.bound.shift) * unit;
    /* middle: the shift less its own slack, which the lower end has on the other side */
    {
      double middle, slack = s->about, rest = 0;
      if (!prefix) {
        hfy_index_rest_(seek, l.bound.scale, s, &middle, &slack, &rest);
        slack += s->about;
      } else {
        middle = 0;
      }
      down = (off + middle - reach - slack) * unit;
    }
    if (!(unit > 1e-290)) continue;
    if (exact > (long double)up + all * 1e-18L || exact < (long double)down - all * 1e-18L) worst = 2;
    if (!((double)score <= up && (double)score >= down)) *canonical = 2;
    if (!((double)naive <= up && (double)naive >= down)) *canonical = 3;
    off = (up + down) / 2;
    if (up > down && fabs((double)exact - off) / ((up - down) / 2) > worst)
      worst = fabs((double)exact - off) / ((up - down) / 2);
  }
  return worst;
}

TEST(bounds_hold) {
  static const size_t dims[] = {1, 3, 16, 65, 130, 784, 5000};
  hfy_rng rng = hfy_rng_seed(3);
  const hfy_simd_int8_ *list[4];
  size_t n = kernels(list), kind, a, i, d, k;
  double closest = 0, closest_prefix = 0, closest_first = 0, canonical, worst;
  for (kind = 0; kind < KINDS; kind++)
    for (a = 0; a < sizeof dims / sizeof *dims; a++) {
      memory_of m;
      hfy_work work;
      hfy_index_options options = {0, 0, 0, HFY_SIM_DOT};
      hfy_real *q;
      if (!MINE(kind + a) || (dims[a] > 1000 && kind % 6)) continue; /* long rows take long */
      memset(&work, 0, sizeof work);
      m.dim = dims[a], m.count = m.dim > 1000 ? 12 : 40, m.stride = m.dim;
      m.keys = (hfy_real *)malloc(m.count * m.stride * sizeof *m.keys);
      q = (hfy_real *)malloc(m.dim * sizeof *q);
      make_keys((int)kind, &rng, m.count, m.dim, m.stride, m.keys);
      options.prefix = m.dim == 784 ? 36 : (m.dim + 7) / 8 > 20 ? 20 : (m.dim + 7) / 8;
      CHECK(prepare(&m, &options, a) == HFY_OK);
      CHECK(begin(&m, &m.index, a % 2 ? HFY_ISA_BEST : HFY_ISA_SCALAR, 1, 1, 1) == HFY_OK);
      for (i = 0; i < 12; i++) {
        const hfy_index_view_ *v = &m.run.fast.seek.view;
        size_t row = i * (m.count - 1) / 11;
        if (i % 3 == 0) {
          make_query(&rng, m.keys, m.count, m.dim, m.stride, 0.3, q);
        } else { /* along what the row's int8 copy (or prefix) leaves out: the worst query for it */
          for (d = 0; d < m.dim; d++) {
            double x = ldexp((double)m.keys[row * m.stride + d], -m.index.exponent);
            double w = x - (double)v->scale[row] * v->rows[row * m.dim + d];
            if (i % 3 == 2) {
              w = x - (double)v->c_mean[row] * (double)v->mean[d];
              for (k = 0; k < (v->first && i > 5 ? 32 : m.index.prefix); k++)
                w -= (double)v->c_scale[row] * v->coef[row * m.index.prefix + k] * (double)v->basis[k * m.dim + d];
            }
            q[d] = (hfy_real)(i % 2 ? w : -w);
          }
        }
        for (k = 0; k < n; k++) {
          worst = attack(&m, list[k], q, 0, &canonical);
          if (!CHECK(worst <= 1 && canonical == 0))
            printf("    rows, %s: %s dim %zu query %zu: %g %g\n", list[k]->name, kind_name[kind], m.dim, i,
                   worst, canonical);
          if (worst > closest) closest = worst;
          worst = attack(&m, list[k], q, 1, &canonical);
          if (!CHECK(worst <= 1 && canonical == 0))
            printf("    prefix, %s: %s dim %zu query %zu: %g %g\n", list[k]->name, kind_name[kind], m.dim,
                   i, worst, canonical);
          if (worst > closest_prefix && m.dim > 16) closest_prefix = worst;
          if (!v->first) continue;
          worst = attack(&m, list[k], q, 2, &canonical);
          if (!CHECK(worst <= 1 && canonical == 0))
            printf("    first, %s: %s query %zu: %g %g\n", list[k]->name, kind_name[kind], i, worst, canonical);
          if (worst > closest_first) closest_first = worst;
        }
      }
      drop(&m);
      free(m.keys);
      free(q);
    }
  CHECK(closest > 0.95 && closest_prefix > 0.5 && closest_first > 0.5); /* the attack comes close, or it would prove nothing */
}

/* The prefix may stand in any directions: here far from orthonormal ones, which the bound must pay for. */
TEST(any_directions_will_do) {
  hfy_rng rng = hfy_rng_seed(77);
  const hfy_simd_int8_ *list[4];
  size_t n = kernels(list), count = 60, dim = 30, r = 5, i, d, k;
  hfy_index_options options = {0, 0, 0, HFY_SIM_DOT};
  hfy_index_build_ b;
  hfy_base_arena_ arena = {NULL, 0, 0, 0};
  hfy_real q[30];
  double canonical, worst, closest = 0;
  memory_of m;
  hfy_work work;
  memset(&work, 0, sizeof work);
  m.count = count, m.dim = dim, m.stride = dim;
  m.keys = (hfy_real *)malloc(count * dim * sizeof *m.keys);
  make_keys(IMAGES, &rng, count, dim, dim, m.keys);
  options.prefix = r;
  CHECK(prepare(&m, &options, 0) == HFY_OK);
  CHECK(begin(&m, &m.index, HFY_ISA_BEST, 1, 1, 1) == HFY_OK);
  memset(&b, 0, sizeof b);
  b.keys = m.keys, b.count = count, b.dim = dim, b.stride = dim, b.prefix = r, b.samples = count,
  b.simd = m.run.fast.seek.simd, b.index = &m.index, b.view = m.run.fast.seek.view;
  b.unit = hfy_index_power_of_(-m.index.exponent);
  hfy_index_plan_build_(&arena, &b);
  arena.base = (unsigned char *)malloc(arena.used + 64), arena.room = arena.used, arena.used = 0;
  hfy_index_plan_build_(&arena, &b);
  for (d = 0; d < dim; d++) {
    hfy_real *basis = m.run.fast.seek.view.basis;
    basis[dim + d] = (hfy_real)(0.8 * (double)basis[d] + 0.7 * (double)basis[dim + d]);
    basis[2 * dim + d] *= (hfy_real)1.7;
    basis[3 * dim + d] = 0;
    b.mean_square += (double)b.view.mean[d] * (double)b.view.mean[d];
  }
  m.index.basis_norm = hfy_index_basis_norm_(m.run.fast.seek.view.basis, r, dim);
  hfy_index_fill_prefix_(&b, 0, count);
  for (i = 0; i < 60; i++) {
    for (d = 0; d < dim; d++)
      q[d] = i < 30 ? m.keys[i * dim + d]
                    : (hfy_real)((double)m.run.fast.seek.view.basis[i % r * dim + d] + 0.1 * hfy_rng_normal(&rng));
    for (k = 0; k < n; k++) {
      worst = attack(&m, list[k], q, 1, &canonical);
      CHECK(worst <= 1 && canonical == 0);
      closest = worst > closest ? worst : closest;
    }
  }
  CHECK(closest > 0.3);
  free(arena.base);
  drop(&m);
  free(m.keys);
}

/* By few levels: the dot, and the bound of it, which the row's score does not exceed. */
static void rough_of_one(const hfy_index_seek_ *seek, const hfy_index_one_ *one, size_t row, long double exact, hfy_real score) {
  const size_t dim = seek->index->dim;
  const hfy_index_view_ *v = &seek->view;
  const double unit = one->unit.a * one->unit.b;
  double dot = 0, found, up;
  size_t d;
  for (d = 0; d < dim; d++) dot += (double)(one->wide.rough[d] * v->rows[row * dim + d]);
  if (seek->int8->rough) {
    seek->int8->rough(v->rows, dim, &row, 1, &one->wide, &found);
    CHECK_EQ(found, dot);
  }
  up = (dot - 64.0 * (double)v->sum[row]) * (double)v->scale[row] * one->rough.scale + one->rough.shift +
       (double)v->error[row] * one->rough.near + (double)v->spread[row] * one->rough.rest;
  CHECK(exact <= (long double)(up * unit) && (double)score <= up * unit);
}

/* Without keys the cosine's 1/|q| is that of no kernel: both ends go outwards by what kernels may differ. */
TEST(cosines_without_keys_allow_for_any_kernel) {
  static const double bounds[] = {0.5, -0.5};
  const hfy_index_power_ unit = {1, 1};
  float own = 1;
  hfy_index_seek_ seek;
  int k, side;
  memset(&seek, 0, sizeof seek);
  seek.sim = HFY_SIM_COSINE, seek.beta = seek.over = 1, seek.view.own = &own;
  for (k = 0; k < 2; k++)
    for (side = -1; side < 2; side += 2) {
      double with, without;
      seek.keyless = 0, with = (double)hfy_index_theta_(&seek, bounds[k], 1, side, &unit, NULL, 0);
      seek.keyless = 1, without = (double)hfy_index_theta_(&seek, bounds[k], 1, side, &unit, NULL, 0);
      if (side > 0 && k) { /* 0, whatever 1/|q| is */
        CHECK_EQ(without, with);
        continue;
      }
      CHECK(side * (without - with) >= 1.2e-4 * fabs(with) && fabs(without - with) <= 1.4e-4 * fabs(with));
    }
}

/* A row's bounds for query j of a batch: of a pass over rows, or over prefixes and then by the row as a whole. */
static void bounds_of_one(memory_of *m, const hfy_real *q, size_t j, size_t i, size_t l) {
  const hfy_index_seek_ *seek = &m->run.fast.seek;
  const hfy_index_view_ *v = &seek->view;
  hfy_index_scratch_ *s = &m->tile.fast.index;
  hfy_index_one_ *one = s->one + j;
  hfy_simd_bound_ *bound = s->deep ? &one->early : &one->bound;
  const float *rows[4] = {s->deep ? v->c_scale : v->scale, s->deep ? v->c_error : v->error,
                          s->deep ? v->c_rest : v->spread, s->deep ? v->c_mean : v->scale};
  const int32_t *out = &s->out[j % 8 * seek->int8->rows + l];
  const double unit = one->unit.a * one->unit.b;
  const hfy_real *x = m->keys + (i + l) * m->stride;
  double dot = (double)(*out - bound->offset), up, middle, reach, shift = s->deep ? bound->shift : one->middle + one->about;
  double parts[3], size = fabs(shift);
  long double all, exact = exact_dot(x, q, m->dim, &all);
  const size_t row = i + l;
  double each[9];
  hfy_real score;
  int k;
  seek->simd->dot(x, m->stride, 1, q, m->dim, 1, m->dim, &score, 1);
  for (k = 0; k < 4; k++) rows[k] += row;
  parts[0] = dot * (double)*rows[0] * bound->scale, parts[1] = (double)*rows[1] * bound->near;
  parts[2] = (double)*rows[2] * bound->rest, up = parts[0] + parts[1] + parts[2] + shift;
  for (k = 0; k < 3; k++) size += fabs(parts[k]);
  if (s->deep) {
    up += (double)*rows[3] * bound->along, size += fabs((double)*rows[3] * bound->along);
    seek->int8->dot(v->rows, m->dim, &row, 1, &one->wide, &dot);
    if (seek->int8->planes) dot -= 32768.0 * (double)v->sum[row];
  }
  middle = dot * (double)v->scale[row] * one->bound.scale + one->middle;
  reach = (double)v->error[row] * one->bound.near + (double)v->spread[row] * one->rest + one->about;
  if (s->deep) { /* the two bytes of its whole numbers come together again */
    hfy_index_level_ level;
    double want;
    CHECK(hfy_index_aim_(seek, q, s));
    hfy_index_level_along_(seek, 0, s, &level);
    seek->int8->dot(v->coef, m->index.prefix, &row, 1, &level.q, &want);
    CHECK_EQ(want - level.planes * (double)v->c_sum[row], (double)(*out - bound->offset));
    rough_of_one(seek, one, row, exact - all * 1e-18L, score);
  }
  CHECK(exact <= (long double)(up * unit) + all * 1e-18L && (double)score <= up * unit);
  CHECK(exact <= (long double)((middle + reach) * unit) + all * 1e-18L &&
        exact >= (long double)((middle - reach) * unit) - all * 1e-18L);
  CHECK((double)score <= (middle + reach) * unit && (double)score >= (middle - reach) * unit);
  for (k = 0; k < 2; k++) {
    bound->least = up + (k ? -1 : 1) * (fabs(up) * 1e-9 + size * 4e-15 + 1e-30);
    CHECK(seek->int8->pass(out, rows, 1, bound, k ? each : NULL) == (uint32_t)k);
  }
  CHECK(fabs(each[0] - up) <= 4e-15 * size); /* parts that cancel */
}

/* The interval of a batch's query, whose lower end raises the bar. */
TEST(bounds_of_a_batch_hold) {
  static const size_t dims[] = {1, 5, 64, 130, 784};
  hfy_rng rng = hfy_rng_seed(33);
  const hfy_simd_int8_ *list[4];
  size_t n = kernels(list), kind, a, i, d, j, k, l, turn = 0;
  for (kind = 0; kind < KINDS; kind++)
    for (a = 0; a < sizeof dims / sizeof *dims; a++)
      for (k = 0; k < n; k++) {
        memory_of m;
        hfy_index_options options = {SIZE_MAX, 0, 0, HFY_SIM_DOT};
        int deep;
        hfy_index_scratch_ *s = &m.tile.fast.index;
        hfy_real *q;
        size_t words;
        if (!MINE(kind + a + k) || (dims[a] > 500 && kind % 3)) continue; /* long rows take long */
        m.dim = dims[a], m.count = 37, m.stride = m.dim;
        deep = m.dim > 1 && turn++ % 2;
        if (deep) options.prefix = kind ? hfy_base_min_(m.dim / 4 + 1, 24) : m.dim / 4 + 1; /* many directions take long */
        m.keys = (hfy_real *)malloc(m.count * m.stride * sizeof *m.keys);
        q = (hfy_real *)malloc(16 * m.dim * sizeof *q);
        make_keys((int)kind, &rng, m.count, m.dim, m.stride, m.keys);
        CHECK(prepare(&m, &options, a) == HFY_OK);
        CHECK(begin(&m, &m.index, HFY_ISA_BEST, 1, 1, 1) == HFY_OK);
        m.run.fast.seek.int8 = list[k];
        scratch_for(&m, 16, 0);
        for (j = 0; j < 16; j++) {
          make_query(&rng, m.keys, m.count, m.dim, m.stride, 0.3, q + j * m.dim);
          s->one[j].q = q + j * m.dim, s->one[j].bias = NULL, s->one[j].visible = m.count;
        }
        s->raise.to = NULL;
        CHECK(hfy_index_open_scan_(&m.run.fast.seek, 16, s) == m.count && s->deep == deep);
        words = hfy_index_enter_all_(&m.run.fast.seek, 16, s);
        for (j = 0; j < 16; j++) {
          const hfy_index_one_ *one = s->one + j;
          const size_t width = deep ? m.index.prefix : m.dim, group = 8 * words * (deep && list[k]->step == 4 ? 2 : 1);
          const signed char *rows = deep ? m.run.fast.seek.view.coef : m.run.fast.seek.view.rows;
          long double norm = 0;
          if (one->count == SIZE_MAX) continue;
          for (d = 0; d < m.dim; d++) norm += (long double)q[j * m.dim + d] * (long double)q[j * m.dim + d];
          norm = ldexpl(sqrtl(norm) / (long double)one->unit.a / (long double)one->unit.b, m.index.exponent);
          CHECK((long double)one->bound.near >= norm * (1 + 1e-13L));
          for (i = 0; i < m.count; i += list[k]->rows) {
            const size_t some = m.count - i < list[k]->rows ? m.count - i : list[k]->rows;
            list[k]->pack(rows + i * width, width, some, width, s->tile);
            hfy_index_tile_(&m.run.fast.seek, s->panel + j / 8 * group, words, s);
            for (l = 0; l < some; l++) bounds_of_one(&m, q + j * m.dim, j, i, l);
          }
        }
        drop(&m);
        free(m.keys);
        free(q);
      }
}

/* However many share a search: every row's bound is made, that of a listed row only lowered, no other touched. */
/* got is at least want, and at most `more` of want above it */
static int is_just_above(double got, long double want, double more) {
  const long double size = fabsl(want);
  return (long double)got >= want - size * 1e-18L && (long double)got <= want + size * (long double)more + 1e-18L;
}

/* Distances and cosines: scores lie between what the levels and a shared pass say, and what a pass leaves out does not
   matter; nor is all of that idle. */
TEST(bounds_of_other_similarities) {
  static const size_t dims[] = {1, 6, 64, 131};
  hfy_rng rng = hfy_rng_seed(71);
  const hfy_simd_int8_ *list[4];
  size_t n = kernels(list), kind, a, i, j, l, which, left_out = 0;
  double close[2] = {0, 0};
  for (kind = 0; kind < KINDS; kind++)
    for (a = 0; a < COUNT(dims); a++)
      for (which = 0; which < 2; which++) {
        enum { ROWS = 70, ASKED = 16 };
        const hfy_sim sim = which ? HFY_SIM_EUCLIDEAN : HFY_SIM_COSINE;
        const size_t dim = dims[a];
        hfy_index_options options = {SIZE_MAX, 0, 0, HFY_SIM_DOT};
        hfy_real q[ASKED][131], theta[ASKED][ROWS], upper[ROWS];
        hfy_index_seek_ *seek;
        memory_of m;
        if (!MINE(kind + a + which)) continue;
        m.dim = m.stride = dim, m.count = ROWS;
        m.keys = (hfy_real *)malloc(m.count * dim * sizeof *m.keys);
        make_keys((int)kind, &rng, m.count, dim, dim, m.keys);
        for (l = 0; l < ROWS * dim && kind == SPIKES; l++) /* rows that int8 holds exactly, near each other */
          m.keys[l] = l < dim ? (hfy_real)(l ? (double)below(&rng, 251) - 125 : 127)
                              : m.keys[l % dim] + (hfy_real)(l % dim ? (double)below(&rng, 3) - 1 : 0);
        options.sim = sim, options.prefix = a % 2 ? 1 + dim / 10 : SIZE_MAX;
        CHECK(prepare(&m, &options, 3 * a) == HFY_OK);
        for (j = 0; j < ASKED; j++) make_query(&rng, m.keys, ROWS, dim, dim, j % 4 ? 0.3 : 0, q[j]);
        for (i = 0; i < n; i++) {
          const double beta = which ? 1 / typical_score(&m, q[1]) : 3, width = kind == SPIKES ? 1e-5 : i % 2 ? 0.3 : 0.05;
          CHECK(begin(&m, &m.index, HFY_ISA_BEST, beta < 1e30 ? beta : 1e30, width, 1 + i % 2) == HFY_OK);
          m.run.net.sim = sim;
          seek = &m.run.fast.seek, seek->sim = sim, seek->int8 = list[i];
          scratch_for(&m, ASKED, 0);
          for (j = 0; j < ASKED; j++) {
            hfy_index_one_ *one = m.tile.fast.index.one + j;
            hfy_index_level_ level;
            CHECK(!hfy_sim_scores(sim, seek->beta, m.keys, ROWS, dim, 0, q[j], 1, theta[j], NULL));
            one->q = q[j], one->bias = NULL, one->visible = ROWS;
            if (!hfy_index_aim_(seek, q[j], &m.tile.fast.index)) continue;
            for (l = 0; l < 2; l++) {
              if (l && !m.index.prefix) continue;
              if (l)
                hfy_index_level_along_(seek, 0, &m.tile.fast.index, &level);
              else
                hfy_index_level_rows_(seek, &m.tile.fast.index, &level);
              hfy_index_bounds_(seek, &level, NULL, NULL, ROWS, upper, &m.tile.fast.index);
              for (size_t row = 0; row < ROWS; row++) CHECK(!(theta[j][row] > upper[row]));
            }
          }
          for (l = 0; l + 7 < ROWS; l += 7) { /* rows for a pass that knows of no spread */
            const hfy_index_view_ *view = &seek->view;
            float both[7];
            hfy_index_merge_(seek, l, 7, 0.01, both);
            for (j = 0; j < 7; j++) {
              long double want = 0.01L; /* in steps: tcc loses an end of the sum */
              want *= (long double)view->spread[l + j];
              want += (long double)view->error[l + j];
              CHECK(!which && !(fabs((double)view->own[l + j]) > 0) ? (double)both[j] > 1e37
                                                                   : is_just_above((double)both[j], want, 5e-7));
            }
          }
          m.tile.fast.index.raise.to = NULL;
          hfy_index_scan_(seek, ASKED, &m.tile.fast.index);
          for (j = 0; j < ASKED; j++) {
            const hfy_index_one_ *one = m.tile.fast.index.one + j;
            size_t row, at = 0;
            if (one->count == SIZE_MAX) continue;
            CHECK(one->rest <= m.tile.fast.index.ratio * one->bound.near && m.tile.fast.index.ratio < 0.1);
            for (row = 0; row < ROWS; row++) {
              const double score = (double)theta[j][row];
              double above, below;
              if (at == one->count || one->listed[at] != row) {
                CHECK(!hfy_sim_matters_(one->top, seek->width, score) || hfy_base_is_nan_(score));
                left_out++;
                continue;
              }
              above = (double)one->above[at], below = (double)one->below[at++];
              CHECK(hfy_base_is_nan_(score) || (score >= below && score <= above));
              if (kind == GAUSS && (which ? above - score < 0.2 * (above - below) : above - below < 0.06))
                close[which] += 1; /* an end is near, or both are */
            }
          }
        }
        drop(&m);
        free(m.keys);
      }
  if (!CHECK(left_out > 20000 * n / SHARES && (FEWER > 1 || (close[0] > 1 && close[1] > 1))))
    printf("    left out %zu, close %g %g\n", left_out, close[0], close[1]);
}

TEST(spans_cover_every_row) {
  enum { N = 4099, D = 40 };
  const hfy_index_options blocks = {36, 200, 0, HFY_SIM_DOT};
  hfy_rng rng = hfy_rng_seed(12);
  hfy_real q[D], *one = (hfy_real *)malloc(N * sizeof *one), *low = (hfy_real *)malloc(N * sizeof *low);
  hfy_real *first = (hfy_real *)malloc(N * sizeof *first);
  size_t *list = (size_t *)malloc(N * sizeof *list), workers, n, i, listed = 0;
  memory_of m;
  m.dim = m.stride = D, m.count = N;
  m.keys = (hfy_real *)malloc(N * D * sizeof *m.keys);
  make_keys(GAUSS, &rng, N, D, D, m.keys);
  CHECK(prepare(&m, &blocks, 0) == HFY_OK);
  make_query(&rng, m.keys, N, D, D, 0.5, q);
  for (i = 0; i < N; i++)
    if (i % 3 || i == N - 1) list[listed++] = i;
  for (n = N - 2; n <= N; n++)
    for (workers = 1; workers < 8; workers++) {
      hfy_index_level_ l;
      hfy_real *upper;
      CHECK(begin(&m, &m.index, HFY_ISA_BEST, 1, 1, 1) == HFY_OK);
      m.run.fast.seek.workers = m.run.fast.workers = workers;
      scratch_for(&m, 1, 0);
      CHECK(hfy_index_aim_(&m.run.fast.seek, q, &m.tile.fast.index));
      hfy_index_level_rows_(&m.run.fast.seek, &m.tile.fast.index, &l);
      upper = m.tile.fast.bounds.upper;
      for (i = 0; i < N; i++) upper[i] = -777;
      hfy_index_bounds_(&m.run.fast.seek, &l, NULL, NULL, n, upper, &m.tile.fast.index);
      for (i = 0; i < N; i++) CHECK((upper[i] < -776) == (i >= n));
      if (workers == 1) memcpy(one, upper, N * sizeof *one);
      CHECK(!memcmp(one, upper, N * sizeof *one));
      for (i = 0; i < N; i++) /* some lie below already */
        low[i] = upper[i] = i % 2 ? (hfy_real)HUGE_VAL : -777;
      hfy_index_bounds_(&m.run.fast.seek, &l, NULL, list, listed - (N - n), upper, &m.tile.fast.index);
      for (i = 0; i < listed - (N - n); i++)
        if (list[i] < n && one[list[i]] < low[list[i]]) low[list[i]] = one[list[i]];
      for (i = 0; i < n; i++) CHECK(!memcmp(low + i, upper + i, sizeof *low));
      hfy_index_level_along_(&m.run.fast.seek, 1, &m.tile.fast.index, &l); /* blocks: a span begins with one */
      for (i = 0; i < N; i++) upper[i] = -777;
      hfy_index_bounds_(&m.run.fast.seek, &l, NULL, NULL, n, upper, &m.tile.fast.index);
      for (i = 0; i < N; i++) CHECK((upper[i] < -776) == (i >= n));
      if (workers == 1) memcpy(first, upper, N * sizeof *first);
      CHECK(l.first && !memcmp(first, upper, N * sizeof *first));
    }
  drop(&m);
  free(m.keys), free(one), free(low), free(first), free(list);
}

/* First directions, then all of them for a long list, then rows; workers share each. What is left is the full scan's. */
TEST(a_list_that_is_long) {
  enum { N = 3300, D = 40, ASKED = 4 };
  const hfy_index_options blocks = {36, 200, 0, HFY_SIM_DOT};
  hfy_rng rng = hfy_rng_seed(15);
  hfy_real q[D];
  double *score = (double *)malloc(N * sizeof *score);
  size_t i, j, d;
  memory_of m;
  m.dim = m.stride = D, m.count = N;
  m.keys = (hfy_real *)malloc(N * D * sizeof *m.keys);
  for (i = 0; i < N * D; i++) m.keys[i] = (hfy_real)(bell(&rng) * pow(0.9, (double)(i % D)));
  CHECK(prepare(&m, &blocks, 0) == HFY_OK);
  for (j = 0; j < ASKED; j++) {
    hfy_index_level_ level;
    double width;
    for (d = 0; d < D; d++) q[d] = (hfy_real)bell(&rng);
    for (i = 0; i < N; i++)
      for (score[i] = 0, d = 0; d < D; d++) score[i] += (double)m.keys[i * D + d] * (double)q[d];
    width = -hfy_base_kth_largest_(score, N, 1300);
    width += hfy_base_kth_largest_(score, N, 2);
    CHECK(begin(&m, &m.index, j % 2 ? HFY_ISA_BEST : HFY_ISA_SCALAR, 1, width, 2) == HFY_OK);
    scratch_for(&m, 1, 0);
    CHECK(hfy_index_aim_(&m.run.fast.seek, q, &m.tile.fast.index));
    hfy_index_level_along_(&m.run.fast.seek, 1, &m.tile.fast.index, &level);
    CHECK(hfy_index_promises_(&m.run.fast.seek, &level, N));
    agree(&m, "a long list", 1, 0, q, NULL, N);
    CHECK(m.tile.sep.count > HFY_NET_ALONG_ && m.tile.sep.count < N / 2);
  }
  drop(&m);
  free(m.keys), free(score);
}

/* A query that moves: the bounds of all rows that went with it hold, come close along x - centre, and the candidates
   are those of the full scan, step by step, with an index, with a prefix, with neither. */
TEST(bounds_follow_a_query) {
  enum { MOVES = 8 };
  static const size_t dims[] = {1, 3, 16, 65, 130, 784};
  static const size_t ranks[] = {1, 1, 3, 12};
  hfy_rng rng = hfy_rng_seed(31);
  const hfy_simd_int8_ *list[4];
  size_t n = kernels(list), kind, a, i, d, variant, move, followed = 0, spared = 0;
  double closest = 0;
  for (kind = 0; kind < KINDS; kind++)
    for (a = 0; a < sizeof dims / sizeof *dims; a++)
      for (variant = 0; variant < 6; variant++) {
        memory_of m;
        hfy_index_options options = {0, 0, 0, HFY_SIM_DOT};
        hfy_net_bounds_ *s = &m.tile.fast.bounds;
        size_t dim = dims[a], row = 0;
        hfy_real *q, *theta, *kept;
        double score;
        if (!MINE(variant + kind + a) || (dim > 500 && (variant + kind) % 6)) continue; /* long rows take long */
        m.dim = dim, m.count = 60 + 37 * (a % 3), m.stride = dim + a % 2;
        m.keys = (hfy_real *)malloc(m.count * m.stride * sizeof *m.keys);
        q = (hfy_real *)malloc(dim * sizeof *q);
        theta = (hfy_real *)malloc(m.count * sizeof *theta);
        kept = (hfy_real *)malloc((m.count + dim) * sizeof *kept);
        make_keys((int)kind, &rng, m.count, dim, m.stride, m.keys);
        options.prefix = variant % 3 == 2 ? (dim + 7) / 8 : SIZE_MAX;
        CHECK(prepare(&m, &options, a) == HFY_OK);
        make_query(&rng, m.keys, m.count, dim, m.stride, 0.5, q);
        for (d = 0; d < dim && kind == CANCELLING && variant < 3; d++) /* sums that lose all their digits */
          q[d] = (hfy_real)(1e4 + 1e-2 * hfy_rng_normal(&rng));
        score = typical_score(&m, q);
        score = score > 1e-30 ? score : 1e-30;
        CHECK(begin(&m, variant % 3 ? &m.index : NULL, (a + variant) % 2 ? HFY_ISA_BEST : HFY_ISA_SCALAR,
                    (variant < 3 ? 3 : 100) / score, 1 + (double)(a % 2), ranks[(a + kind) % 4]) == HFY_OK);
        m.run.fast.seek.int8 = list[(a + variant) % n];
        scratch_for(&m, 1, 1);
        for (move = 0; move < MOVES; move++) {
          double norm, goes = 0;
          int ready;
          if (move) {
            row = (size_t)(hfy_rng_u64(&rng) % m.count);
            for (d = 0; d < dim; d++) {
              double x = (double)m.keys[row * m.stride + d], v = (double)q[d];
              double c = variant % 3 ? ldexp((double)m.run.fast.seek.view.mean[d], m.index.exponent)
                                     : (double)s->centre[d];
              if (kind == HUGE_KEYS) x *= 1e-28, c *= 1e-28;
              if (move % 6 == 1) v += 0.3 * (x - c); /* away from the centre: the bound is met */
              if (move % 6 == 2) v *= 1 + (move > 6 ? 1e-4 : 4 * REAL_EPS) * hfy_rng_normal(&rng);
              if (move % 6 == 3) v = x;
              if (move % 6 == 4) v -= 0.01 * (x - c);
              if (move == 6) v *= 50;
              q[d] = (hfy_real)v;
            }
          }
          m.run.simd->dot(m.keys, m.stride, m.count, q, dim, 1, dim, theta, m.count);
          for (i = 0; i < m.count; i++) theta[i] = hfy_sim_theta_(m.run.net.beta, (double)theta[i], NULL, i, 1);
          memcpy(kept, s->upper, m.count * sizeof *kept);
          memcpy(kept + m.count, s->anchor, dim * sizeof *kept);
          ready = s->kept, norm = s->norm;
          for (d = 0; d < dim; d++)
            goes += ((double)q[d] - (double)kept[m.count + d]) * ((double)q[d] - (double)kept[m.count + d]);
          if (hfy_net_follow_(&m.run, q, s)) {
            followed++;
            for (i = 0; i < m.count; i++) CHECK(s->upper[i] >= theta[i]);
            if (move % 6 == 1 && kept[row] <= theta[row] && goes > 0) {
              double far = variant % 3 ? ldexp((double)m.run.fast.seek.view.spread[row] +
                                                   (double)m.run.fast.seek.view.error[row],
                                               m.index.exponent)
                                       : (double)s->measured[row];
              double room = (double)s->upper[row] - (double)kept[row];
              double part = 1 - ((double)s->upper[row] - (double)theta[row]) /
                                    (m.run.net.beta * far * sqrt(goes) + fabs(room));
              closest = part > closest ? part : closest;
            }
          }
          memcpy(s->upper, kept, m.count * sizeof *kept);
          memcpy(s->anchor, kept + m.count, dim * sizeof *kept);
          s->kept = ready, s->norm = norm;
          seat(&m, 0, 0, q);
          if (variant % 3) {
            agree(&m, "moved", 1, 0, q, NULL, m.count);
          } else {
            size_t *want = (size_t *)malloc(m.count * sizeof *want), wanted;
            double *exact = (double *)malloc(m.count * sizeof *exact);
            hfy_status right;
            right = full_scan(m.run.simd, m.keys, m.count, dim, m.stride, q, m.run.net.beta,
                              m.run.fast.margin, m.run.fast.kth, NULL, m.count, want, exact, &wanted);
            hfy_net_unsought_(&m.run, s);
            m.tile.fast.scanned = 0;
            if (hfy_net_follow_(&m.run, q, s))
              s->listed = hfy_net_reach_(&m.run, m.tile.walk, m.count, m.count / 8, &m.tile);
            if (s->listed != SIZE_MAX) {
              hfy_status status = hfy_net_candidates_(&m.run, 1, 0, &m.tile);
              spared++;
              CHECK(status == right && (status || m.tile.sep.count == wanted));
              CHECK(status || (!memcmp(m.tile.sep.index, want, wanted * sizeof *want) &&
                               !memcmp(m.tile.sep.weight, exact, wanted * sizeof *exact)));
            } else {
              memcpy(s->upper, theta, m.count * sizeof *theta);
              for (i = 0; i < m.count && !(s->longest > 0); i += d) {
                d = i % 2 ? 8 : 5;
                if (d > m.count - i) d = m.count - i;
                hfy_net_measure_(&m.run, i, d, s);
              }
              hfy_net_anchor_(&m.run, q, s);
            }
            free(want), free(exact);
          }
          for (i = 0; i < m.count && s->kept; i++) CHECK(s->upper[i] >= theta[i]);
        }
        free(m.keys), free(q), free(theta), free(kept);
        drop(&m);
      }
  if (!CHECK(followed > 1200 / SHARES && spared > 200 / SHARES && closest > 0.999))
    printf("    followed %zu spared %zu closest %g\n", followed, spared, closest);
}

#ifdef HFY_DOUBLE
/* Tiny keys, huge states, a tiny beta: products that vanish in one order and not in another. */
TEST(bounds_follow_over_any_range) {
  static const double size[][3] = {{1e-100, 1e149, 1e-300}, {1e-140, 1e140, 1e-290}, {1e-149, 1e120, 1e20},
                                   {1e140, 1e-140, 1e-160}, {1e-155, 1e149, 1},      {1e30, 1e-140, 1e-190}};
  hfy_rng rng = hfy_rng_seed(9);
  size_t a, variant, move, i, d, followed = 0;
  for (a = 0; a < sizeof size / sizeof *size; a++)
    for (variant = 0; variant < 2; variant++) {
      memory_of m;
      hfy_index_options options = {SIZE_MAX, 0, 0, HFY_SIM_DOT};
      double q[8], theta[200];
      m.dim = m.stride = 8, m.count = 200;
      m.keys = (hfy_real *)malloc(m.count * m.dim * sizeof *m.keys);
      for (i = 0; i < m.count * m.dim; i++) m.keys[i] = size[a][0] * hfy_rng_normal(&rng);
      CHECK(prepare(&m, &options, 0) == HFY_OK);
      CHECK(begin(&m, variant ? &m.index : NULL, HFY_ISA_BEST, size[a][2], 0, 1) == HFY_OK);
      scratch_for(&m, 1, 1);
      for (i = 0; i < m.count && !variant; i += 8) hfy_net_measure_(&m.run, i, 8, &m.tile.fast.bounds);
      for (d = 0; d < 8; d++) q[d] = size[a][1] * hfy_rng_normal(&rng);
      for (move = 0; move < 20; move++) {
        int known = move && hfy_net_follow_(&m.run, q, &m.tile.fast.bounds);
        m.run.simd->dot(m.keys, m.dim, m.count, q, m.dim, 1, m.dim, theta, m.count);
        for (i = 0; i < m.count; i++) theta[i] = hfy_sim_theta_(m.run.net.beta, theta[i], NULL, i, 1);
        for (i = 0; known && i < m.count; i++) CHECK(m.tile.fast.bounds.upper[i] >= theta[i]);
        followed += (size_t)known;
        if (!known) {
          memcpy(m.tile.fast.bounds.upper, theta, sizeof theta);
          hfy_net_anchor_(&m.run, q, &m.tile.fast.bounds);
        }
        for (d = 0; d < 8; d++) q[d] += size[a][1] * 0.3 * hfy_rng_normal(&rng);
      }
      drop(&m);
      free(m.keys);
    }
  CHECK(followed > 50);
}
#endif

/* All kernels make the same whole numbers, the ends of their ranges included. */
TEST(kernels_agree) {
  static const size_t dims[] = {1, 2, 31, 64, 65, 130, 516, 784, 70001};
  const hfy_simd_int8_ *list[4];
  size_t n = kernels(list), a, i, j, k, d;
  hfy_rng rng = hfy_rng_seed(2);
  for (a = 0; a < sizeof dims / sizeof *dims; a++) {
    size_t dim = dims[a], padded = (dim + 127) / 64 * 64, count = 37, order[37];
    signed char *rows = (signed char *)malloc(count * dim + 64);
    int16_t *whole = (int16_t *)calloc(padded, sizeof *whole);
    unsigned char *high = (unsigned char *)calloc(padded, 1), *low = (unsigned char *)calloc(padded, 1);
    int32_t swept[64];
    hfy_simd_wide_ q;
    q.dim = dim, q.whole = whole, q.high = high, q.low = low;
    for (i = 0; i < count * dim + 64; i++)
      rows[i] = (signed char)(i / dim == 3 ? 127 : i / dim == 4 ? -127 : (int)(hfy_rng_u64(&rng) % 255) - 127);
    for (i = 0; i < count; i++) order[i] = (i * 11 + 5) % count;
    for (k = 0; k < n; k++) {
      double levels = hfy_index_levels_(list[k]->planes, dim), out[37];
      int most = (int)levels;
      for (j = 0; j < 4; j++) {
        for (d = 0; d < dim; d++) {
          int v = j == 0   ? most
                  : j == 1 ? -most
                  : j == 2 ? (d % 2 ? most : -most)
                           : (int)(hfy_rng_u64(&rng) % (2 * (unsigned)most + 1)) - most;
          whole[d] = (int16_t)v;
          high[d] = (unsigned char)((unsigned)(v + 32768) >> 8);
          low[d] = (unsigned char)((unsigned)(v + 32768) & 255);
        }
        for (i = 0; i < 2; i++) {
          size_t l;
          list[k]->dot(rows, dim, i ? order : NULL, count, &q, out);
          for (l = 0; l < count; l++) {
            int64_t want = 0, sum = 0;
            for (d = 0; d < dim; d++) {
              signed char x = rows[(i ? order[l] : l) * dim + d];
              want += (int64_t)x * whole[d];
              sum += x;
            }
            CHECK(out[l] == (double)(want + (list[k]->planes ? 32768 * sum : 0)));
          }
        }
        if (dim < 130 || dim > 784) continue; /* two blocks of what stands there */
        list[k]->sweep(rows, 2, whole, swept);
        for (i = 0; i < 64; i++) {
          int32_t want = 0;
          for (d = 0; d < 32; d++)
            want += whole[d] * rows[i / 32 * 1024 + d / 4 * 128 + i % 32 * 4 + d % 4];
          CHECK_EQ(swept[i], want);
        }
      }
    }
    free(rows), free(whole), free(high), free(low);
  }
}

/* --- the constants, each as docs/math.md 13 has it, in long double: not below, and not far above --- */

static long double exact_norm(const long double *x, size_t n) {
  long double squares = 0;
  for (; n; n--, x++) squares += *x * *x;
  return sqrtl(squares);
}

TEST(constants_of_the_proof) {
  enum { MOST = 300 };
  static const size_t dims[] = {1, 7, 64, 130, MOST};
  hfy_rng rng = hfy_rng_seed(61);
  size_t round, i, d, k;
  for (round = 0; round < 60; round++) {
    const size_t dim = dims[round % COUNT(dims)], r = round % 2 ? 0 : dim / 8 + 1;
    const long double v = 0x1p-52L, eps = (long double)REAL_EPS; /* 2u of double, of hfy_real */
    const long double gamma = 0.51L * (long double)(dim + 16) * eps + ((long double)dim / 2048 + 4) * v;
    const hfy_index_view_ *view;
    hfy_index_options options = {SIZE_MAX, 0, 0, HFY_SIM_DOT};
    hfy_index_scratch_ *s;
    hfy_index_level_ l;
    long double x[MOST], y[MOST], mean[MOST], q[MOST], m = 0, first = 0, about, norm, size, rest, along = 0, frobenius, e;
    hfy_real query[MOST], y_real[MOST], c[MOST];
    memory_of a;
    a.dim = a.stride = dim, a.count = 30;
    a.keys = (hfy_real *)malloc(a.count * dim * sizeof *a.keys);
    if (r) options.prefix = r;
    make_keys(round % 4 < 2 ? GAUSS : IMAGES, &rng, a.count, dim, dim, a.keys);
    for (i = 0; i < a.count * dim && round % 3 == 0; i++) /* rows that int8 holds exactly: nothing but slack is left */
      a.keys[i] = (hfy_real)(i % dim ? (double)below(&rng, 255) - 127 : 127);
    CHECK(prepare(&a, &options, 0) == HFY_OK);
    CHECK(begin(&a, &a.index, HFY_ISA_BEST, 1, 1, 1) == HFY_OK);
    scratch_for(&a, 1, 0);
    s = &a.tile.fast.index, view = &a.run.fast.seek.view;
    for (d = 0; d < dim; d++) mean[d] = (long double)view->mean[d];
    m = exact_norm(mean, dim);
    CHECK(is_just_above(a.index.mean_norm, m, 1e-12));
    frobenius = (long double)a.index.basis_norm * sqrtl((long double)r);
    for (i = 0; i < a.count; i++) {
      long double distance, tilt = 0, moved;
      int32_t sum = 0;
      for (d = 0; d < dim; d++) x[d] = ldexpl((long double)a.keys[i * dim + d], -a.index.exponent);
      norm = exact_norm(x, dim);
      CHECK((long double)a.index.largest >= norm);
      for (d = 0; d < dim; d++) y[d] = x[d] - (long double)view->scale[i] * view->rows[i * dim + d];
      distance = exact_norm(y, dim);
      e = distance + gamma * norm + 1.2e-13L * (norm + distance);
      CHECK(is_just_above((double)view->error[i], e, 4e-7));
      for (d = 0; d < dim; d++) y[d] = x[d] - y[d] - mean[d];
      CHECK(is_just_above((double)view->spread[i], exact_norm(y, dim), 4e-7));
      for (d = 0; d < dim; d++) sum += view->rows[i * dim + d];
      CHECK(sum == view->sum[i]);
      if (!r) continue;
      for (d = 0; d < dim; d++) {
        y[d] = (long double)(y_real[d] = (hfy_real)((double)x[d] - (double)view->c_mean[i] * (double)view->mean[d]));
        tilt += (x[d] - (long double)view->c_mean[i] * mean[d]) * mean[d];
      }
      size = exact_norm(y, dim);
      norm += fabsl((long double)view->c_mean[i]) * m;
      moved = eps * norm;
      tilt = fabsl(tilt) + 2 * (long double)(dim + 8) * v * norm * m;
      a.run.fast.seek.simd->dot(view->basis, dim, r, y_real, dim, 1, dim, c, r);
      for (k = 0, sum = 0; k < r; k++) {
        const long double part = (long double)view->c_scale[i] * view->coef[i * r + k];
        if (k == 32) first = exact_norm(y, dim);
        CHECK(k > 31 || !view->first || hfy_index_first_(view, i, k / 4)[k % 4] == view->coef[i * r + k]);
        x[k] = part, sum += view->coef[i * r + k];
        for (d = 0; d < dim; d++) y[d] -= part * (long double)view->basis[k * dim + d];
      }
      rest = exact_norm(x, r);
      for (k = 0; k < r; k++) x[k] = (long double)c[k] - x[k];
      e = exact_norm(x, r) + frobenius * (gamma * size + moved) + rest / 512 + 16 * (gamma + 9.6e-7L) * norm +
          (m > 0 ? 17 * tilt / m : 0) + 0x1p-80L;
      CHECK(is_just_above((double)view->c_error[i], e * (1 - 1e-9L), 1e-6) && sum == view->c_sum[i]);
      e = moved + (long double)(2 * r + 4) * eps * (size + rest * frobenius) + 0x1p-80L;
      CHECK((long double)view->c_rest[i] >= exact_norm(y, dim) && (long double)view->c_rest[i] >= e &&
            (long double)view->c_rest[i] <= (exact_norm(y, dim) + 2 * e) * (1 + 4e-7L));
      CHECK(!view->first || ((long double)view->c_first[i] >= first && (long double)view->c_first[i] >= e &&
                             (long double)view->c_first[i] <= (first + 2 * e) * (1 + 4e-7L)));
    }
    if (view->first) {
      *hfy_index_first_(view, 3, 1) ^= 1;
      CHECK(hfy_index_check(&a.index, a.keys, a.count, dim, 0, NULL) == HFY_ERR_ARG);
      *hfy_index_first_(view, 3, 1) ^= 1;
    }
    make_query(&rng, a.keys, a.count, dim, dim, 0.5, query);
    CHECK(hfy_index_aim_(&a.run.fast.seek, query, s));
    for (d = 0; d < dim; d++) q[d] = ldexpl((long double)query[d], -s->exponent);
    for (d = 0; d < dim; d++) along += q[d] * mean[d];
    norm = exact_norm(q, dim);
    about = ldexpl(4 * (long double)(dim + 64) * (long double)TINY, -a.index.exponent - s->exponent);
    CHECK(is_just_above(s->norm, norm, 1e-12) && is_just_above(s->about, about, 1e-12));
    hfy_index_level_rows_(&a.run.fast.seek, s, &l);
    for (d = 0; d < dim; d++) y[d] = q[d] - (long double)l.bound.scale * s->whole[d];
    rest = exact_norm(y, dim);
    for (d = 0, size = 0, e = 0; d < dim; d++) size += mean[d] * y[d], e += fabsl(mean[d] * y[d]);
    CHECK(is_just_above(l.bound.near, norm * (1 + 1e-13L), 1e-12)); /* r itself is off by 2 v |q| */
    CHECK((long double)l.bound.rest >= rest + 5 * v * norm && (long double)l.bound.rest <= (rest + 11 * v * norm) * (1 + 1e-12L));
    e = m * (8 * v * norm + (long double)(dim + 8) * v * rest);
    CHECK((long double)l.bound.shift - size >= about + e / 2 && (long double)l.bound.shift - size <= about + 1.5L * e + 1e-18L);
    if (r) {
      hfy_index_level_along_(&a.run.fast.seek, 0, s, &l);
      for (k = 0; k < r; k++) x[k] = (long double)l.bound.scale * s->whole[k];
      size = exact_norm(x, r);
      for (d = 0; d < dim; d++) {
        y[d] = q[d] - (m > 0 ? (long double)(l.bound.along / (a.index.mean_norm * a.index.mean_norm)) : 0) * mean[d];
        for (k = 0; k < r; k++) y[d] -= x[k] * (long double)view->basis[k * dim + d];
      }
      rest = exact_norm(y, dim);
      e = 2.1L * eps * norm + (long double)(2 * r + 4) * eps * (2.1L * norm + size * frobenius) + 0x1p-80L;
      CHECK((long double)l.bound.rest >= rest && (long double)l.bound.rest >= e);
      CHECK((long double)l.bound.rest <= (rest + 2 * e) * (1 + 1e-9L));
      for (k = 0; k < r; k++)
        for (d = 0, x[k] = 0; d < dim; d++) x[k] += (long double)view->basis[k * dim + d] * y[d];
      e = gamma * frobenius * rest + (long double)a.index.basis_norm * e + 0x1p-80L; /* what the leak may be off */
      rest = exact_norm(x, r);
      CHECK((long double)l.bound.near >= size && (long double)l.bound.near >= norm / 16);
      CHECK((long double)l.bound.near >= 512 * rest && (long double)l.bound.near >= 512 * e * (1 - 1e-6L));
      e = 512 * (rest + 2 * e), e = size > e ? size : e, e = norm / 16 > e ? norm / 16 : e;
      CHECK((long double)l.bound.near <= e * (1 + 1e-6L) && fabsl((long double)l.bound.along - along) <= 1e-12L * norm * m);
      CHECK(is_just_above(l.bound.shift, about, 1e-12));
    }
    drop(&a);
    free(a.keys);
  }
}

/* A key is held against its copy in every element. */
TEST(each_element_is_compared) {
  hfy_rng rng = hfy_rng_seed(67);
  size_t i, d;
  memory_of m;
  for (m.dim = 1; m.dim < 20; m.dim++) {
    m.count = 3, m.stride = m.dim;
    m.keys = (hfy_real *)malloc(3 * m.dim * sizeof *m.keys);
    make_keys(GAUSS, &rng, 3, m.dim, m.dim, m.keys);
    CHECK(prepare(&m, NULL, 0) == HFY_OK && begin(&m, &m.index, HFY_ISA_BEST, 1, 1, 1) == HFY_OK);
    for (i = 0; i < 3; i++)
      for (d = 0; d < m.dim; d++) {
        hfy_real *x = m.keys + i * m.dim, kept = x[d];
        CHECK(hfy_index_holds_(&m.run.fast.seek, x, i));
        x[d] += (hfy_real)ldexp(3 * (double)m.run.fast.seek.view.error[i], m.index.exponent);
        CHECK(!hfy_index_holds_(&m.run.fast.seek, x, i));
        x[d] = kept;
      }
    free(m.block), free(m.keys);
  }
}

/* A sum that leaves the range on its way to 0: bounds would rule its row out, the full scan has no answer. */
TEST(sums_out_of_range) {
  enum { D = 2048 };
  hfy_real *keys = (hfy_real *)malloc(3 * D * sizeof *keys), *q = keys + 2 * D;
  size_t d, bytes = hfy_index_size(2, D, NULL);
  void *memory = malloc(bytes);
  hfy_index index;
  hfy_net net;
  memset(&net, 0, sizeof net);
  for (d = 0; d < D; d++) {
    keys[d] = d < D / 2 ? 1 : -1;
    keys[D + d] = d == 0;
    q[d] = (hfy_real)(REAL_MAX / 8);
  }
  net.dim = D, net.count = 2, net.keys = keys, net.sep.kind = HFY_SEP_SPARSEMAX, net.beta = 800 / REAL_MAX;
  CHECK(hfy_index_build(keys, 2, D, 0, NULL, memory, bytes, &index, NULL) == HFY_OK);
  CHECK(hfy_retrieve(&net, q, 1, q, NULL, NULL) == HFY_ERR_NONFINITE);
  net.index = &index;
  CHECK(hfy_retrieve(&net, q, 1, q, NULL, NULL) == HFY_ERR_NONFINITE);
  free(memory), free(keys);
}

/* --- whose index is it --- */

/* --- the threshold of some   (math 13.8) --- */

/* Kinds that have one. */
static hfy_sep cutting(size_t which, size_t n) {
  static const double alphas[] = {1.5, 2, 1.2, 1.01, 3, 40, 1.9}, gammas[] = {2, 1.3, 5, HUGE_VAL, 1.01};
  static const double ks[] = {1, 2.5, 7, 40};
  hfy_sep sep;
  memset(&sep, 0, sizeof sep);
  if (which < 7) sep.kind = HFY_SEP_ENTMAX, sep.alpha = alphas[which];
  if (which >= 7 && which < 12) sep.kind = HFY_SEP_NORMMAX, sep.gamma = gammas[which - 7];
  if (which >= 12) sep.kind = HFY_SEP_KSUBSETS, sep.k = ks[which - 12], sep.rho = which % 2 ? 0.5 : 3;
  if (sep.k > (double)n) sep.k = (double)n;
  return sep;
}
enum { CUTTING = 16 };

/* Scores: spread, in few values, crowded about a threshold to the last bits, one far above, all equal. */
static void make_scores(int how, hfy_rng *rng, size_t n, double edge, hfy_real *theta) {
  size_t i;
  for (i = 0; i < n; i++) {
    double v = hfy_rng_normal(rng);
    if (how == 1) v = floor(4 * v) / 16;
    if (how == 2 && i % 3) v = edge + (double)(hfy_rng_u64(rng) % 9) * REAL_EPS - 4 * REAL_EPS;
    if (how == 3) v = 0.02 * v + (i == n / 2 ? 1.5 : 0);
    if (how == 4) v = 0.75;
    if (how == 5) v = 1e7 + floor(v * 8) / 4;
    theta[i] = (hfy_real)v;
  }
}

/* A solution hangs on what enters (math 4.9) and on nothing else of its window: whatever else is left out, the same bits.
   And the threshold of some is a bound for all: nothing that enters is below it. */
TEST(solutions_leave_no_trace) {
  enum { N = 700 };
  static hfy_real theta[N];
  static double weight[4][N], scores[N];
  static size_t index[4][N], some[N];
  static char support[N];
  const hfy_simd_ *simd = hfy_simd_of_(HFY_ISA_BEST);
  hfy_rng rng = hfy_rng_seed(31);
  size_t turn, which, i, n, part, crowded = 0, cut = 0;
  for (turn = 0; turn < 60; turn++)
    for (which = 0; which < CUTTING; which++) {
      hfy_sep sep = cutting(which, N), full = hfy_sep_resolve_(&sep);
      hfy_base_arena_ arena = {NULL, 0, SIZE_MAX, 0};
      hfy_sep_scratch_ s;
      double best = -HUGE_VAL, worst, edge = 0, heaviest, e;
      size_t kept = 0;
      void *room;
      int how = (int)(turn % 6);
      if (!MINE(turn + which)) continue;
      arena.room = 0;
      hfy_sep_plan_(&arena, simd, &full, N, 0, &s);
      room = malloc(arena.used + 64);
      arena.base = (unsigned char *)room, arena.room = arena.used, arena.used = 0;
      hfy_sep_plan_(&arena, simd, &full, N, 0, &s);
      n = how == 4 ? 41 + turn : N;
      make_scores(how == 2 ? 0 : how, &rng, n, 0, theta);
      for (part = 0; part < 2; part++) { /* about the edge that a first solution has */
        memset(support, 0, sizeof support);
        CHECK(hfy_sep_list_(&full, theta, n, 0, &s) == HFY_OK);
        kept = s.count;
        memcpy(index[0], s.index, s.count * sizeof *s.index);
        memcpy(weight[0], s.weight, s.count * sizeof *s.weight);
        for (i = 0, worst = HUGE_VAL; i < s.count; i++) {
          support[s.index[i]] = 1;
          if ((double)theta[s.index[i]] < worst) worst = (double)theta[s.index[i]];
        }
        edge = worst;
        for (i = 0, e = heaviest = 0; i < kept; i++) { /* the threshold, to rounding */
          if (full.kind == HFY_SEP_NORMMAX) e += pow(weight[0][i], full.gamma);
          if (weight[0][i] > heaviest) heaviest = weight[0][i], best = (double)theta[index[0][i]];
          if (full.kind == HFY_SEP_KSUBSETS && weight[0][i] < 1) edge = (double)theta[index[0][i]] - full.rho * weight[0][i];
        }
        if (full.kind == HFY_SEP_ENTMAX) edge = best - pow(heaviest, full.alpha - 1) / (full.alpha - 1);
        if (full.kind == HFY_SEP_NORMMAX && full.gamma < 1e9)
          edge = best - pow(heaviest, full.gamma - 1) * pow(e, (1 - full.gamma) / full.gamma);
        CHECK(edge <= worst + 1e-6);
        for (i = 0; i < n && how == 2 && !part; i++)
          if (i % 3) /* at the edge, and as near as rounding cannot be told from weight */
            theta[i] = (hfy_real)(edge + ((double)(hfy_rng_u64(&rng) % 9) - 4) * REAL_EPS * (i % 2 ? 1e5 : 1) *
                                             (1 + fabs(edge)));
      }
      for (i = 0; i < n; i++) scores[i] = (double)theta[i];
      worst = hfy_sep_floor_(&full, scores, n, 0, weight[1]); /* weights of last bits may still be rounded to 0 */
      for (i = 0; i < n; i++) support[i] |= scores[i] >= worst;
      crowded += s.count > 5;
      for (part = 0; part < 4; part++) { /* none, some, most of the others; and a quarter of all raises a bar */
        size_t count = s.count, m = 0, l;
        memcpy(some, index[0], sizeof some);
        for (i = 0; i < n && part < 3; i++) {
          if (!support[i] && hfy_rng_u64(&rng) % 8 < (part == 0 ? 0u : part == 1 ? 2u : 7u)) continue;
          if (!support[i] && part == 0 && how == 3 && i % 2) continue;
          index[1][m] = i;
          weight[1][m++] = (double)theta[i];
        }
        if (part == 3) {
          hfy_sep_scratch_ raised;
          double top, margin = hfy_sep_link_margin_(&full);
          raised.simd = simd, raised.weight = scores, raised.index = index[2], raised.power = weight[2];
          for (i = raised.count = 0; i < n; i++)
            if (hfy_rng_u64(&rng) % 4 == 0) scores[raised.count++] = (double)theta[i];
          top = hfy_sep_raise_(&full, -HUGE_VAL, 1, &raised);
          for (i = 0; i < n; i++) {
            int matters = hfy_sim_matters_(top, margin, (double)theta[i]);
            CHECK(matters || !support[i]);
            cut += !matters;
            if (!matters) continue;
            index[1][m] = i;
            weight[1][m++] = (double)theta[i];
          }
        }
        memcpy(s.index, index[1], m * sizeof *s.index);
        memcpy(s.weight, weight[1], m * sizeof *s.weight);
        s.count = m;
        CHECK(hfy_sep_candidates_(&full, &s) == HFY_OK);
        l = s.count == count ? count : 0;
        if (!CHECK(l && !memcmp(s.index, index[0], l * sizeof *s.index) &&
                   !memcmp(s.weight, weight[0], l * sizeof *s.weight)))
          printf("    kind %zu, scores %d, part %zu: %zu of %zu\n", which, how, part, s.count, count);
        s.count = count;
      }
      free(room);
    }
  CHECK(crowded > 100 / SHARES && cut > 10000 / SHARES);
}

/* Wide and narrow supports, one query and batches, all sources of candidates: the bits of whole rows of scores. */
TEST(cut_by_the_threshold) {
  static const size_t kinds[] = {GAUSS, TIES, ZEROS, IMAGES, EQUAL, OUTLIERS};
  static const double widths[] = {0.02, 0.3, 4, 100};
  enum { Q = 12 };
  hfy_rng rng = hfy_rng_seed(77);
  size_t a, which, w, j, wide = 0;
  for (a = 0; a < 6; a++) {
    memory_of m;
    hfy_real *q, *out[4], *weights;
    m.dim = a % 2 ? 24 : 130, m.count = a == 3 ? 4200 : a ? 1300 : 2100, m.stride = m.dim;
    if (!MINE(a + 1)) continue;
    m.keys = (hfy_real *)malloc(m.count * m.dim * sizeof *m.keys);
    make_keys((int)kinds[a], &rng, m.count, m.dim, m.stride, m.keys);
    if (kinds[a] == EQUAL) memset(m.keys, 0, m.dim * 7 * sizeof *m.keys);
    CHECK(prepare(&m, NULL, 9) == HFY_OK);
    q = (hfy_real *)malloc(Q * m.dim * sizeof *q), weights = (hfy_real *)malloc(Q * m.count * sizeof *q);
    for (j = 0; j < 4; j++) out[j] = (hfy_real *)malloc(Q * m.dim * sizeof **out);
    for (j = 0; j < Q; j++)
      make_query(&rng, m.keys, m.count, m.dim, m.stride, j % 4 == 0 ? 0 : 1, q + j * m.dim);
    for (which = 0; which < CUTTING; which++)
      for (w = 0; w < 4; w++) {
        hfy_report report;
        size_t support[Q];
        hfy_net net;
        memset(&net, 0, sizeof net), memset(&report, 0, sizeof report);
        if (!MINE(which + w)) continue;
        net.keys = m.keys, net.count = m.count, net.dim = m.dim, net.sep = cutting(which, m.count);
        net.beta = widths[w] / typical_score(&m, q);
        report.weights = weights, report.support = support;
        CHECK(hfy_retrieve(&net, q, Q, out[0], &report, NULL) == HFY_OK);
        for (j = 0; j < Q; j++) wide += support[j] > 100;
        CHECK(hfy_retrieve(&net, q, Q, out[1], NULL, NULL) == HFY_OK);
        net.index = &m.index;
        CHECK(hfy_retrieve(&net, q, Q, out[2], NULL, NULL) == HFY_OK);
        for (j = 0; j < Q; j++) CHECK(hfy_retrieve(&net, q + j * m.dim, 1, out[3] + j * m.dim, NULL, NULL) == HFY_OK);
        for (j = 1; j < 4; j++)
          if (!CHECK(!memcmp(out[0], out[j], Q * m.dim * sizeof **out)))
            printf("    %s, kind %zu, width %g, way %zu\n", kind_name[kinds[a]], which, widths[w], j);
      }
    for (j = 0; j < 4; j++) free(out[j]);
    free(q), free(weights), free(m.keys);
    free(m.block);
  }
  CHECK(FEWER > 1 || wide > 15);
}

TEST(stale_and_foreign) {
  hfy_rng rng = hfy_rng_seed(9);
  size_t count = 100, dim = 20, i;
  hfy_real *keys = (hfy_real *)malloc(count * dim * sizeof *keys),
           *copy = (hfy_real *)malloc(count * (dim + 3) * sizeof *copy);
  unsigned char byte;
  memory_of m;
  hfy_index_seek_ seek;
  hfy_index other;
  hfy_work work;
  const hfy_simd_ *simd = hfy_simd_of_(HFY_ISA_BEST);
  memset(&work, 0, sizeof work);
  m.keys = keys, m.count = count, m.dim = dim, m.stride = dim;
  make_keys(GAUSS, &rng, count, dim, dim, keys);
  CHECK(prepare(&m, NULL, 5) == HFY_OK);
  CHECK(m.index.count == count && m.index.dim == dim && m.index.bytes <= hfy_index_size(count, dim, NULL));
  CHECK(hfy_index_check(&m.index, keys, count, dim, 0, &work) == HFY_OK);
  for (i = 0; i < count; i++) { /* the same keys elsewhere, at another stride */
    memcpy(copy + i * (dim + 3), keys + i * dim, dim * sizeof *keys);
    copy[i * (dim + 3) + dim] = (hfy_real)i;
  }
  CHECK(hfy_index_check(&m.index, copy, count, dim, dim + 3, &work) == HFY_OK);
  CHECK(hfy_index_begin_(&m.index, simd, copy, count, dim, dim + 3, &seek, &work) == HFY_OK);
  for (i = 0; i < count * dim * sizeof *keys; i += 37) { /* any byte changed is found by the full check */
    memcpy(&byte, (unsigned char *)keys + i, 1);
    byte ^= 1;
    memcpy((unsigned char *)keys + i, &byte, 1);
    CHECK_FAILS(hfy_index_check(&m.index, keys, count, dim, 0, &work), HFY_ERR_ARG, &work, "changed");
    byte ^= 1;
    memcpy((unsigned char *)keys + i, &byte, 1);
  }
  keys[(count - 1) * dim] += 1; /* first and last row are looked at by the cheap check */
  CHECK_FAILS(hfy_index_begin_(&m.index, simd, keys, count, dim, dim, &seek, &work), HFY_ERR_ARG, &work, "changed");
  keys[(count - 1) * dim] -= 1;
  make_keys(GAUSS, &rng, count, dim, dim, keys);
  CHECK_FAILS(hfy_index_begin_(&m.index, simd, keys, count, dim, dim, &seek, &work), HFY_ERR_ARG, &work,
              "other keys");
  CHECK_FAILS(hfy_index_begin_(&m.index, simd, copy, count - 1, dim, dim + 3, &seek, &work), HFY_ERR_ARG, &work,
              "99");
  CHECK_FAILS(hfy_index_begin_(&m.index, simd, copy, count, dim - 1, dim + 3, &seek, &work), HFY_ERR_ARG, &work,
              "19");
  memset(&other, 0, sizeof other);
  CHECK_FAILS(hfy_index_check(&other, keys, count, dim, 0, &work), HFY_ERR_ARG, &work, "hfy_index_build");
  other = m.index;
  other.format ^= 12; /* float against double */
  CHECK_FAILS(hfy_index_check(&other, copy, count, dim, dim + 3, &work), HFY_ERR_ARG, &work, "precision");
  other = m.index;
  other.largest *= 0.5;
  CHECK_FAILS(hfy_index_check(&other, copy, count, dim, dim + 3, &work), HFY_ERR_ARG, &work, "member");
  { /* moved: data at another place */
    unsigned char *raw = (unsigned char *)malloc(m.index.bytes + 64);
    other = m.index;
    other.data = memcpy(raw + (64 - (size_t)((uintptr_t)raw & 63)), m.index.data, m.index.bytes);
    CHECK(hfy_index_check(&other, copy, count, dim, dim + 3, &work) == HFY_OK);
    raw[64 - (size_t)((uintptr_t)raw & 63) + 17] ^= 4;
    CHECK_FAILS(hfy_index_check(&other, copy, count, dim, dim + 3, &work), HFY_ERR_ARG, &work, "data");
    CHECK_FAILS(hfy_index_check(&other, NULL, count, dim, 0, &work), HFY_ERR_ARG, &work, "data");
    free(raw);
  }
  drop(&m);
  free(keys);
  free(copy);
}

TEST(build_errors) {
  hfy_real keys[6 * 4];
  unsigned char memory[4096], kept[sizeof(hfy_index)];
  hfy_index index;
  hfy_work work;
  hfy_index_options options = {0, 0, 0, HFY_SIM_DOT};
  size_t i, bytes = hfy_index_size(6, 4, NULL);
  memset(&work, 0, sizeof work);
  memset(&index, 7, sizeof index);
  memcpy(kept, &index, sizeof kept);
  for (i = 0; i < 24; i++) keys[i] = (hfy_real)i;
  CHECK(bytes > 24 && bytes < sizeof memory);
  CHECK_FAILS(hfy_index_build(NULL, 6, 4, 0, NULL, memory, bytes, &index, &work), HFY_ERR_ARG, &work, "keys");
  CHECK_FAILS(hfy_index_build(keys, 6, 4, 0, NULL, NULL, bytes, &index, &work), HFY_ERR_ARG, &work, "memory");
  CHECK_FAILS(hfy_index_build(keys, 6, 4, 0, NULL, memory, bytes, NULL, &work), HFY_ERR_ARG, &work, "index");
  CHECK_FAILS(hfy_index_build(keys, 0, 4, 0, NULL, memory, bytes, &index, &work), HFY_ERR_ARG, &work, "count is 0");
  CHECK_FAILS(hfy_index_build(keys, 6, 0, 0, NULL, memory, bytes, &index, &work), HFY_ERR_ARG, &work, "dim 0");
  CHECK_FAILS(hfy_index_build(keys, 6, 4, 3, NULL, memory, bytes, &index, &work), HFY_ERR_ARG, &work,
              "key_stride is 3");
  CHECK_FAILS(hfy_index_build(keys, 6, 4, 0, NULL, memory, bytes - 1, &index, &work), HFY_ERR_ARG, &work, "bytes");
  options.prefix = 5;
  CHECK_FAILS(hfy_index_build(keys, 6, 4, 0, &options, memory, bytes, &index, &work), HFY_ERR_ARG, &work,
              "prefix is 5");
  CHECK(hfy_index_size(6, 4, &options) == SIZE_MAX);
  CHECK(hfy_index_size(0, 4, NULL) == SIZE_MAX && hfy_index_size(4, 0, NULL) == SIZE_MAX);
  CHECK(hfy_index_size(SIZE_MAX / 2, 4, NULL) == SIZE_MAX && hfy_index_size(4, SIZE_MAX / 2, NULL) == SIZE_MAX);
  CHECK(hfy_index_size((size_t)UINT32_MAX, ((size_t)1 << 24) + 1, NULL) == SIZE_MAX);
  CHECK_FAILS(hfy_index_build(keys, SIZE_MAX / 8, 4, 0, NULL, memory, bytes, &index, &work), HFY_ERR_ARG, &work,
              "too many");
  for (i = 0; i < 3; i++) {
    keys[4 * 4 + 2] = (hfy_real)(i == 0 ? (double)NAN : i == 1 ? HUGE_VAL : -HUGE_VAL);
    CHECK_FAILS(hfy_index_build(keys, 6, 4, 0, NULL, memory, bytes, &index, &work), HFY_ERR_NONFINITE, &work,
                "row 4");
  }
  keys[4 * 4 + 2] = 1;
  CHECK(!memcmp(kept, &index, sizeof kept)); /* untouched so far */
  hfy_work_free(&work);
  work.buffer = memory + 2048, work.capacity = 8, work.owned = 0;
  CHECK_FAILS(hfy_index_build(keys, 6, 4, 0, NULL, memory, bytes, &index, &work), HFY_ERR_NOMEM, &work,
              "capacity is 8");
  work.capacity = work.peak;
  CHECK(work.peak <= 2048 && hfy_index_build(keys, 6, 4, 0, NULL, memory, bytes, &index, &work) == HFY_OK);
  CHECK(hfy_index_check(&index, keys, 6, 4, 0, NULL) == HFY_OK);
  CHECK_FAILS(hfy_index_check(NULL, keys, 6, 4, 0, &work), HFY_ERR_ARG, &work, "index");
  CHECK(hfy_index_check(&index, NULL, 6, 4, 0, &work) == HFY_OK);
  CHECK_FAILS(hfy_index_check(&index, NULL, 7, 4, 0, &work), HFY_ERR_ARG, &work, "6 keys");
  CHECK_FAILS(hfy_index_check(&index, keys, 6, 4, 2, &work), HFY_ERR_ARG, &work, "key_stride");
}

/* Built twice, at any alignment, it is the same to the byte; nothing is written outside. */
TEST(deterministic) {
  hfy_rng rng = hfy_rng_seed(14);
  size_t count = 1500, dim = 130, bytes = hfy_index_size(count, dim, NULL), i;
  hfy_real *keys = (hfy_real *)malloc(count * dim * sizeof *keys);
  unsigned char *a = (unsigned char *)malloc(bytes + 70), *b = (unsigned char *)malloc(bytes + 70);
  hfy_index x, y;
  make_keys(IMAGES, &rng, count, dim, dim, keys);
  memset(a, 0xA5, bytes + 70);
  memset(b, 0x5A, bytes + 70);
  CHECK(hfy_index_build(keys, count, dim, 0, NULL, a + 1, bytes, &x, NULL) == HFY_OK);
  CHECK(hfy_index_build(keys, count, dim, 0, NULL, b + 30, bytes, &y, NULL) == HFY_OK);
  CHECK(x.prefix == 32 && x.bytes == y.bytes && !memcmp(x.data, y.data, x.bytes) && x.seal == y.seal);
  CHECK((uintptr_t)x.data % 64 == 0 && x.error > 0 && x.error < 0.01);
  CHECK(a[0] == 0xA5 && b[29] == 0x5A);
  for (i = 0; i < 39; i++) CHECK(a[bytes + 1 + i] == 0xA5 && b[bytes + 30 + i] == 0x5A);
  free(keys), free(a), free(b);
}

/* --- what damage does --- */

/* A net of argmax over n keys of dim, and an index of them (prefix: as its options) in memory of just its size. */
typedef struct {
  hfy_net net;
  hfy_index index;
  hfy_real *keys, *q, *out, *right; /* q: `asked` queries near keys; right: their answers without an index */
  unsigned char *raw;               /* the index, freed with */
  size_t asked;
} victim;

static victim new_victim(hfy_rng *rng, int kind, size_t n, size_t dim, size_t prefix, size_t asked) {
  hfy_index_options options = {0, 0, 0, HFY_SIM_DOT};
  victim v;
  size_t bytes, j;
  memset(&v, 0, sizeof v);
  options.prefix = prefix, v.asked = asked;
  bytes = hfy_index_size(n, dim, &options);
  v.raw = (unsigned char *)malloc(bytes);
  v.keys = (hfy_real *)malloc(n * dim * sizeof *v.keys);
  v.q = (hfy_real *)malloc(3 * asked * dim * sizeof *v.q);
  v.out = v.q + asked * dim, v.right = v.out + asked * dim;
  make_keys(kind, rng, n, dim, dim, v.keys);
  for (j = 0; j < asked; j++) make_query(rng, v.keys, n, dim, dim, 0.3, v.q + j * dim);
  v.net.dim = dim, v.net.count = n, v.net.keys = v.keys, v.net.beta = 1, v.net.sep.kind = HFY_SEP_ARGMAX;
  CHECK(hfy_index_build(v.keys, n, dim, 0, &options, v.raw, bytes, &v.index, NULL) == HFY_OK);
  return v;
}

static void free_victim(victim *v) { free(v->raw), free(v->keys), free(v->q); }

/* Asks with and without the index. Returns the status with it; *same: the answers are those without it. */
static hfy_status ask_victim(victim *v, size_t asked, hfy_status *of, hfy_work *work, int *same) {
  hfy_report report;
  hfy_status status;
  const size_t size = asked * v->net.dim;
  memset(&report, 0, sizeof report);
  report.status = of;
  fill(v->out, size, -777);
  v->net.index = NULL;
  CHECK(hfy_retrieve(&v->net, v->q, asked, v->right, NULL, work) == HFY_OK);
  v->net.index = &v->index;
  status = hfy_retrieve(&v->net, v->q, asked, v->out, of ? &report : NULL, work);
  *same = same_bits(v->out, v->right, size * sizeof *v->out);
  return status;
}

/* Anything at all: with the index and without, to the bit, whatever the answer. */
static void any_memory_of(hfy_sim sim, size_t rounds, uint64_t seed) {
  static const size_t dims[] = {1, 2, 7, 16, 31, 64, 65, 100, 129, 256, 300};
  hfy_rng rng = hfy_rng_seed(seed + sizeof(hfy_real));
  size_t round, i, answered = 0;
  hfy_work work;
  memset(&work, 0, sizeof work);
  for (round = 0; round < rounds; round++) {
    enum { ASKED = 21 };
    const int kind = (int)below(&rng, KINDS);
    const size_t dim = dims[below(&rng, COUNT(dims))], n = 1 + below(&rng, round % 8 ? 120 : 900);
    const size_t some = 1 + below(&rng, dim < 20 ? dim : 20); /* more than 32: with blocks */
    const size_t prefix = round % 4 > 1 ? SIZE_MAX : round % 8 == 1 && dim > 99 ? 30 + some : some;
    const size_t asked = round % 3 ? ASKED : 1, turn = below(&rng, 6), masks = below(&rng, 16);
    hfy_real *bias = (hfy_real *)malloc(n * sizeof *bias);
    size_t visible[ASKED];
    hfy_status of[2][ASKED], status[2];
    size_t best[2][ASKED], support[2][ASKED];
    victim v = new_victim(&rng, kind, n, dim, prefix, ASKED);
    hfy_net *net = &v.net;
    if (sim != HFY_SIM_DOT) {
      hfy_index_options options = {0, 0, 0, HFY_SIM_DOT};
      size_t bytes;
      options.prefix = prefix, options.sim = round % 13 == 5 ? HFY_SIM_DOT : sim, options.capacity = round % 3 ? 0 : n + 7;
      bytes = hfy_index_size(n, dim, &options);
      free(v.raw);
      v.raw = (unsigned char *)malloc(bytes);
#ifdef HFY_DOUBLE
      for (i = 0; i < n * dim && kind == SMALL_KEYS && sim == HFY_SIM_COSINE; i++) /* some with a norm of no inverse */
        v.keys[i] *= i / dim % 20 ? 1e-266 : 1e-279;
#endif
      CHECK(hfy_index_build(v.keys, n, dim, 0, &options, v.raw, bytes, &v.index, NULL) == HFY_OK);
      net->sim = sim;
    }
    for (i = 0; i < n; i++) { /* masks of any share, here and there or side by side; with biases beside them or none */
      const size_t at = round % 3 ? i : i / 40 * 7919;
      const int biased = round % 4 || i == n / 2 + round % 8;
      bias[i] = (hfy_real)(biased ? hfy_rng_normal(&rng) : i % 2 ? -0.0 : 0);
      if ((at * 2654435761u >> 7) % 16 < masks) bias[i] = (hfy_real)-HUGE_VAL;
    }
    for (i = 0; i < ASKED; i++) visible[i] = below(&rng, n + 3);
    net->sep.kind = turn < 2    ? HFY_SEP_SPARSEMAX
                    : turn == 2 ? HFY_SEP_ENTMAX
                    : turn == 3 ? HFY_SEP_NORMMAX
                    : turn == 4 ? HFY_SEP_KSUBSETS
                                : HFY_SEP_ARGMAX;
    net->sep.k = turn == 4 && round % 2 ? 0.7 : (double)(1 + below(&rng, n < 11 ? n : 11));
    net->sep.alpha = 1.2 + 2 * hfy_rng_uniform(&rng);
    net->beta = pow(10, 5 * hfy_rng_uniform(&rng) - 2);
    if (kind != HUGE_KEYS) {
      memory_of m;
      m.keys = v.keys, m.count = n, m.dim = m.stride = dim;
      if (sim != HFY_SIM_COSINE) net->beta /= typical_score(&m, v.q);
    }
    if (!(net->beta < 1e30)) net->beta = 1e30;
    net->max_steps = round % 5 ? 1 : 4;
    net->bias = round % 7 < 3 ? bias : NULL, net->visible = round % 5 == 2 ? visible : NULL;
    work.isa = (hfy_isa)below(&rng, HFY_ISA_NEON);
    if (!hfy_simd_choose_(&work)) work.isa = HFY_ISA_BEST;
    for (i = 0; i < 2; i++) {
      hfy_report report;
      hfy_real *out = i ? v.out : v.right;
      memset(&report, 0, sizeof report);
      report.status = of[i], report.best = best[i], report.support = support[i];
      memset(best[i], 7, sizeof best[i]), memset(support[i], 7, sizeof support[i]);
      fill(out, asked * dim, -777);
      net->index = i ? &v.index : NULL;
      status[i] = hfy_retrieve(net, v.q, asked, out, &report, &work);
    }
    if (!CHECK(status[0] == status[1] && same_bits(of[0], of[1], asked * sizeof *of[0]) &&
               same_bits(best[0], best[1], sizeof best[0]) && same_bits(support[0], support[1], sizeof support[0]) &&
               same_bits(v.out, v.right, asked * dim * sizeof *v.out)))
      printf("    round %zu: %s, %zu x %zu, %zu asked, prefix %zu, turn %zu, beta %g: %s\n", round, kind_name[kind], n,
             dim, asked, v.index.prefix, turn, net->beta, work.message);
    answered += !status[0];
    free(bias);
    free_victim(&v);
  }
  if (!CHECK(answered > rounds / 2)) printf("    %zu answered\n", answered);
  hfy_work_free(&work);
}

TEST(any_memory) { any_memory_of(HFY_SIM_DOT, 150 / FEWER, 53); }
TEST(any_distances) { any_memory_of(HFY_SIM_EUCLIDEAN, 78 / FEWER, 57); }
TEST(any_cosines) { any_memory_of(HFY_SIM_COSINE, 78 / FEWER, 59); }

/* Each bit of each member is refused. (Where data points is the caller's, but for its alignment.) */
TEST(damaged_members) {
  hfy_rng rng = hfy_rng_seed(41);
  size_t prefix, bit, refused = 0;
  hfy_work work;
  memset(&work, 0, sizeof work);
  for (prefix = 0; prefix < 2; prefix++) {
    victim v = new_victim(&rng, IMAGES, 90, 20, prefix ? 5 : SIZE_MAX, 2);
    hfy_index whole = v.index;
    for (bit = 0; bit < 8 * sizeof whole; bit++) {
      const int points = bit / 8 < sizeof whole.data;
      unsigned char *byte = (unsigned char *)&v.index + bit / 8;
      int same;
      uintptr_t at;
      *byte ^= (unsigned char)(1u << bit % 8);
      at = (uintptr_t)v.index.data ^ (uintptr_t)whole.data;
      if (!points || at < 64) {
        CHECK(ask_victim(&v, 2, NULL, &work, &same) == HFY_ERR_ARG);
        CHECK_CONTAINS(work.message, "index");
        CHECK(all_are(v.out, 2 * v.net.dim, -777) && (points || hfy_index_check(&v.index, v.keys, 90, 20, 0, &work) ||
                                                      v.index.generation != whole.generation));
        refused++;
      }
      v.index = whole;
    }
    v.index.prefix = 21, v.index.seal = hfy_index_seal_(&v.index); /* sealed, but no such index fits its bytes */
    CHECK_FAILS(hfy_index_check(&v.index, v.keys, 90, 20, 0, &work), HFY_ERR_ARG, &work, "member");
    v.index = whole;
    v.index.exponent = 2000, v.index.seal = hfy_index_seal_(&v.index);
    CHECK_FAILS(hfy_index_check(&v.index, v.keys, 90, 20, 0, &work), HFY_ERR_ARG, &work, "member");
    free_victim(&v);
  }
  CHECK(refused == 2 * (8 * (sizeof(hfy_index) - sizeof(void *)) + 6));
  hfy_work_free(&work);
}

/* Bytes at data, one bit to all of a stretch: an answer or ARG, nothing read outside (see the sanitizers), no end
   missed; what is answered is made of keys. Bytes that are another's altogether are refused. */
TEST(damaged_bytes) {
  hfy_rng rng = hfy_rng_seed(43);
  size_t round, i, d, right = 0, refused = 0, rounds = 960 / FEWER;
  hfy_work work;
  memset(&work, 0, sizeof work);
  for (round = 0; round < rounds; round += 40) {
    size_t dim = round % 80 ? 33 : 260, n = 70 + below(&rng, 60), asked = 20, j;
    int same;
    victim v = new_victim(&rng, round % 3 ? IMAGES : GAUSS, n, dim, round % 400 < 200 ? 4 : SIZE_MAX, asked);
    unsigned char *data = v.raw + ((const unsigned char *)v.index.data - v.raw);
    unsigned char *kept = (unsigned char *)malloc(v.index.bytes);
    memcpy(kept, data, v.index.bytes);
    for (i = 0; i < 40; i++) {
      size_t flips = i % 4 ? i % 8 : 1 + below(&rng, 900), at;
      hfy_status status, of[20];
      for (d = 0; d < flips; d++) data[below(&rng, v.index.bytes)] ^= (unsigned char)(1u << below(&rng, 8));
      if (i % 5 == 0) { /* NaN, largest and smallest numbers */
        at = below(&rng, v.index.bytes);
        memset(data + at, i % 3 ? 0xFF : 0x7F, hfy_base_min_(1 + below(&rng, 300), v.index.bytes - at));
      }
      work.isa = i % 2 ? HFY_ISA_BEST : HFY_ISA_SCALAR;
      v.net.max_steps = i % 3 ? 1 : 3;
      v.net.sep.kind = i % 7 ? HFY_SEP_ARGMAX : HFY_SEP_KSUBSETS, v.net.sep.k = i % 7 ? 1 : 3;
      for (j = 0; j < asked; j++) of[j] = HFY_OK;
      status = ask_victim(&v, i % 2 ? asked : 1, of, &work, &same);
      CHECK(status == HFY_OK || status == HFY_ERR_ARG);
      refused += status == HFY_ERR_ARG;
      right += status == HFY_OK && same;
      for (j = 0; j < (i % 2 ? asked : 1) && work.message[0] != 'i'; j++) { /* not refused as a whole */
        const hfy_real *out = v.out + j * dim;
        int found = 0;
        CHECK(of[j] == HFY_OK || (of[j] == HFY_ERR_ARG && all_are(out, dim, -777)));
        for (d = 0; d < n && !found; d++) found = same_bits(out, v.keys + d * dim, dim * sizeof *out);
        CHECK(found || of[j] || v.net.sep.kind == HFY_SEP_KSUBSETS);
      }
      memcpy(data, kept, v.index.bytes);
    }
    memset(data, 0, v.index.bytes);
    CHECK_FAILS(ask_victim(&v, asked, NULL, &work, &same), HFY_ERR_ARG, &work, "index->data");
    free(kept);
    free_victim(&v);
  }
  if (!CHECK(right > rounds / 3 && refused > rounds / 10)) printf("    right %zu refused %zu\n", right, refused);
  hfy_work_free(&work);
}

/* Keys replaced after the build: whoever asks for the old one hears of it, alone or among others, on the way too. The
   new one may be missed, as the manual says: not by hfy_index_check, nor once the generation is counted up. */
TEST(replaced_keys) {
  hfy_rng rng = hfy_rng_seed(47);
  size_t round, d, j, missed = 0;
  hfy_work work;
  memset(&work, 0, sizeof work);
  for (round = 0; round < 36 / FEWER; round++) {
    enum { ASKED = 19 };
    const size_t dim = round % 2 ? 120 : 256, n = 300, asked = round % 3 ? ASKED : 1;
    const size_t row = (1 + below(&rng, 13)) * (n - 1) / 15 + 1 + below(&rng, 8); /* none that is always looked at */
    victim v = new_victim(&rng, GAUSS, n, dim, round % 4 < 2 ? 6 : SIZE_MAX, ASKED);
    const size_t near_old = round % asked;
    hfy_real *old = v.q + near_old * dim, *key = v.keys + row * dim;
    hfy_status of[ASKED];
    int same;
    v.net.max_steps = round % 5 < 2 ? 1 : 4;
    v.net.beta = 3;
    for (d = 0; d < dim; d++) old[d] = key[d];
    for (d = 0; d < dim; d++) key[d] = (hfy_real)hfy_rng_normal(&rng);
    for (j = 0; j < ASKED; j++) of[j] = HFY_ERR_IO;
    CHECK_FAILS(ask_victim(&v, asked, of, &work, &same), HFY_ERR_ARG, &work, "build it again");
    for (j = 0; j < asked; j++) CHECK(of[j] == (j == near_old || of[j] ? HFY_ERR_ARG : HFY_OK));
    CHECK(of[near_old] == HFY_ERR_ARG && all_are(v.out + near_old * dim, dim, -777));
#ifdef HFY_HAS_SHARD_
    if (v.net.max_steps == 1) { /* nor does a shard take it for an answer */
      size_t room = hfy_shard_bytes(&v.net, asked, 0);
      void *partial = malloc(room);
      hfy_report report;
      memset(&report, 0, sizeof report), report.status = of;
      CHECK(hfy_shard_find(&v.net, 0, v.q, asked, 0, partial, room, &work) == HFY_OK);
      CHECK_FAILS(hfy_shard_finish(&v.net, v.q, asked, partial, room, v.out, &report, &work), HFY_ERR_ARG, &work,
                  "build it again");
      CHECK(of[near_old] == HFY_ERR_ARG);
      free(partial);
    }
#endif
    if (v.net.max_steps != 1) { /* or reverse mode */
      hfy_grad grad;
      memset(&grad, 0, sizeof grad), grad.queries = v.right;
      CHECK_FAILS(hfy_retrieve_vjp(&v.net, v.q, asked, v.out, &grad, &work), HFY_ERR_ARG, &work, "build it again");
    }
    for (d = 0; d < dim; d++) old[d] = key[d]; /* and near the new one */
    if (ask_victim(&v, asked, of, &work, &same) == HFY_OK) missed += !same;
    CHECK_FAILS(hfy_index_check(&v.index, v.keys, n, dim, 0, &work), HFY_ERR_ARG, &work, "changed");
    v.net.generation = 1;
    CHECK_FAILS(ask_victim(&v, asked, NULL, &work, &same), HFY_ERR_ARG, &work, "net->generation is 1");
    CHECK(hfy_index_build(v.keys, n, dim, 0, NULL, v.raw, v.index.bytes + 63, &v.index, &work) == HFY_OK);
    v.index.generation = 1;
    CHECK(ask_victim(&v, asked, NULL, &work, &same) == HFY_OK && same);
    free_victim(&v);
  }
  CHECK(missed > 18 / FEWER); /* or the manual need not say so */
  hfy_work_free(&work);
}

/* --- without the keys --- */

#ifndef ALONE_ROUNDS /* -DALONE_ROUNDS=100000: for long */
#define ALONE_ROUNDS (120 / FEWER)
#endif

/* beta sim(x, q) in long double. */
static long double exact_score(hfy_sim sim, double beta, const hfy_real *x, const hfy_real *q, size_t dim) {
  long double dot = 0, xx = 0, qq = 0, away = 0;
  size_t d;
  for (d = 0; d < dim; d++) {
    const long double a = (long double)x[d], b = (long double)q[d];
    dot += a * b, xx += a * a, qq += b * b, away += (a - b) * (a - b);
  }
  if (sim == HFY_SIM_EUCLIDEAN) return -0.5L * (long double)beta * away;
  if (sim == HFY_SIM_COSINE) return xx > 0 && qq > 0 ? (long double)beta * (dot / sqrtl(xx) / sqrtl(qq)) : 0;
  return (long double)beta * dot;
}

/* Rows by score, best first, ties by place: what a retrieval names. */
static void in_order(const hfy_real *score, size_t n, size_t k, size_t *top) {
  size_t i, j, l;
  for (j = 0; j < k; j++) {
    for (l = SIZE_MAX, i = 0; i < n; i++) {
      if (j && (score[i] > score[top[j - 1]] || (!(score[i] < score[top[j - 1]]) && i <= top[j - 1]))) continue;
      if (l == SIZE_MAX || score[i] > score[l]) l = i;
    }
    top[j] = l;
  }
}

/* What one call answers about one query. */
typedef struct {
  hfy_real score[250], best[30];
  double error, off[30];
  size_t top[30], certified;
} alone;

static hfy_status ask_alone(const hfy_index *index, hfy_sim sim, double beta, const hfy_real *q, size_t k, alone *a,
                            hfy_work *work) {
  hfy_status status, again;
  memset(a, 0x55, sizeof *a);
  status = hfy_index_scores(index, sim, beta, q, 1, a->score, &a->error, work);
  again = hfy_index_top(index, sim, beta, q, 1, k, a->top, a->best, a->off, &a->certified, work);
  CHECK(status == again);
  return status;
}

/* The float retrieval on every instruction set: within the bounds, and what is certified. */
static void against_floats(const victim *v, hfy_sim sim, double beta, const hfy_real *q, size_t k, const alone *a) {
  const size_t n = v->net.count, dim = v->net.dim;
  hfy_real theta[250], out[600];
  size_t top[30], named[30], best, i;
  hfy_work work;
  hfy_isa isa;
  memset(&work, 0, sizeof work);
  for (isa = HFY_ISA_SCALAR; isa <= HFY_ISA_NEON; isa = (hfy_isa)((int)isa + 1)) {
    hfy_net net = v->net;
    hfy_report report;
    hfy_status status;
    int within = 1;
    if (!hfy_simd_of_(isa)) continue;
    work.isa = isa;
    if (hfy_sim_scores(sim, beta, v->keys, n, dim, 0, q, 1, theta, &work)) continue;
    for (i = 0; i < n && fabs((double)theta[i]) <= REAL_MAX;) i++; /* or the keys have no answer: of a row below 1/MAX */
    if (i < n) {
      CHECK(!a->certified && sim == HFY_SIM_COSINE);
      continue;
    }
    for (i = 0; i < n; i++) within &= fabs((double)a->score[i] - (double)theta[i]) <= a->error;
    for (i = 0; i < k; i++) within &= fabs((double)a->best[i] - (double)theta[a->top[i]]) <= a->off[i];
    in_order(theta, n, k, top);
    if (!CHECK(within && same_bits(top, a->top, a->certified * sizeof *top)))
      printf("    sim %d beta %g, %zu x %zu: within %d, certified %zu of %zu\n", (int)sim, beta, n, dim, within,
             a->certified, k);
    memset(&report, 0, sizeof report);
    report.best = &best, report.top = k, report.top_index = named;
    net.sim = sim, net.beta = beta;
    net.sep.kind = k > 1 ? HFY_SEP_KSUBSETS : HFY_SEP_ARGMAX, net.sep.k = (double)k;
    status = hfy_retrieve(&net, q, 1, out, &report, &work);
    CHECK(status || same_bits(named, a->top, a->certified * sizeof *named));
    CHECK(status || !a->certified || best == a->top[0]);
  }
  hfy_work_free(&work);
}

/* Sums of rows, some with weight 0: as far from those of the keys as it says. */
static void check_project(hfy_rng *rng, const victim *v) {
  size_t rows[9], n = below(rng, 10), i, d;
  hfy_real weights[9], out[700];
  double error = -1;
  long double away = 0;
  const int listed = (int)below(rng, 2) || v->net.count < 9, weighted = (int)below(rng, 2);
  hfy_status status;
  for (i = 0; i < n; i++) {
    rows[i] = listed ? below(rng, v->net.count) : i;
    weights[i] = (hfy_real)(below(rng, 3) ? hfy_rng_normal(rng) : 0);
  }
  fill(out, v->net.dim, -777);
  status = hfy_index_project(&v->index, listed ? rows : NULL, n, weighted ? weights : NULL, out, &error, NULL);
  if (!CHECK(status == HFY_OK)) return;
  for (d = 0; d < v->net.dim; d++) {
    long double sum = 0;
    for (i = 0; i < n; i++)
      sum += (weighted ? (long double)weights[i] : 1) * (long double)v->keys[rows[i] * v->net.dim + d];
    away += (sum - (long double)out[d]) * (sum - (long double)out[d]);
  }
  if (!CHECK(sqrtl(away) <= (long double)error)) printf("    %zu rows: off by %Lg, said %g\n", n, sqrtl(away), error);
}

/* Anything at all: the bounds hold, what is certified is what the keys would have said, bits are alike. */
TEST(without_keys) {
  static const size_t dims[] = {1, 2, 3, 7, 16, 31, 64, 65, 100, 128, 129, 256, 300, 600};
  hfy_rng rng = hfy_rng_seed(71);
  size_t round, i, answered = 0, certain = 0, refused = 0;
  hfy_work work[2];
  memset(work, 0, sizeof work);
  for (round = 0; round < ALONE_ROUNDS; round++) {
    const int kind = (int)below(&rng, KINDS);
    const size_t dim = dims[below(&rng, COUNT(dims))], n = 1 + below(&rng, round % 15 ? 30 : 250);
    const hfy_sim of = (hfy_sim)below(&rng, 3), sim = round % 5 ? of : HFY_SIM_DOT;
    const size_t k = 1 + below(&rng, round % 2 ? 1 : n < 30 ? n : 9);
    victim v = new_victim(&rng, kind, n, dim, SIZE_MAX, 3);
    hfy_index_options options = {SIZE_MAX, 0, 0, HFY_SIM_DOT};
    const size_t bytes = (options.sim = of, options.prefix = round % 11 ? SIZE_MAX : 1, hfy_index_size(n, dim, &options));
    double beta = pow(10, 5 * hfy_rng_uniform(&rng) - 2);
    free(v.raw);
    v.raw = (unsigned char *)malloc(bytes);
    if (kind == GAUSS && round % 2) /* near ties, some the other way round */
      for (i = 1; i < n; i += 2) {
        memcpy(v.keys + i * dim, v.keys + (i - 1) * dim, dim * sizeof *v.keys);
        v.keys[i * dim + i % dim] += v.keys[i * dim + i % dim] * (hfy_real)(below(&rng, 100)) * (hfy_real)1e-6;
      }
    CHECK(hfy_index_build(v.keys, n, dim, 0, &options, v.raw, bytes, &v.index, NULL) == HFY_OK);
    for (i = 0; i < 3; i++) {
      hfy_real *q = v.q + i * dim;
      alone one, two;
      hfy_status status;
      size_t l, want[30], d;
      int within = 1, right = 1;
      if (i == 1) memcpy(q, v.keys + below(&rng, n) * dim, dim * sizeof *q);
      for (d = 0; i == 2 && d < dim; d++)
        q[d] = round % 3   ? (hfy_real)(hfy_rng_normal(&rng) * pow(10, (double)below(&rng, 60) - 30))
               : d < dim / 2 ? 0
                             : -q[d];
      if (round % 2 && kind != HUGE_KEYS) beta /= i ? 1 : (double)hfy_base_min_(dim, 9);
      work[0].isa = HFY_ISA_BEST, work[1].isa = HFY_ISA_SCALAR, helping = (int)(round % 3) + 1;
      if (!hfy_simd_choose_(&work[1])) work[1].isa = HFY_ISA_BEST;
      status = ask_alone(&v.index, sim, beta, q, k, &one, &work[0]);
      helping = 1;
      CHECK(ask_alone(&v.index, sim, beta, q, k, &two, &work[1]) == status && same_bits(&one, &two, sizeof one));
      if (status) {
        CHECK(status == HFY_ERR_UNSUPPORTED || (status == HFY_ERR_NONFINITE && sim != HFY_SIM_COSINE));
        CHECK(one.top[0] == two.top[0] && one.certified == two.certified && one.score[0] == two.score[0]);
        refused++;
        continue;
      }
      for (l = 0; l < n; l++) /* DBL_MAX: NaN and infinity are not within it */
        within &= fabsl(exact_score(sim, beta, v.keys + l * dim, q, dim) - (long double)one.score[l]) <=
                      (long double)one.error && one.error <= DBL_MAX;
      in_order(one.score, n, k, want);
      for (l = 0; l < k; l++)
        right &= want[l] == one.top[l] && one.best[l] >= one.score[want[l]] && one.best[l] <= one.score[want[l]] &&
                 one.off[l] <= one.error &&
                 fabsl(exact_score(sim, beta, v.keys + want[l] * dim, q, dim) - (long double)one.best[l]) <=
                     (long double)one.off[l];
      if (!CHECK(within && right && one.certified <= k))
        printf("    round %zu: %s, %zu x %zu, sim %d of %d, beta %g, k %zu: within %d right %d\n", round, kind_name[kind],
               n, dim, (int)sim, (int)of, beta, k, within, right);
      against_floats(&v, sim, beta, q, k, &one);
      answered++, certain += one.certified > 0;
    }
    check_project(&rng, &v);
    free_victim(&v);
  }
  if (!CHECK(answered > ALONE_ROUNDS * 2 && certain > answered / 4 && refused > 0))
    printf("    %zu answered, %zu certain, %zu refused\n", answered, certain, refused);
  hfy_work_free(&work[0]), hfy_work_free(&work[1]);
}

/* One call for many queries, its rows shared out: the bits of one query after another. Some have no answer. */
TEST(without_keys_in_batches) {
  enum { N = 4500, D = 24, Q = 7, K = 5 };
  hfy_rng rng = hfy_rng_seed(73);
  hfy_real *keys = (hfy_real *)malloc((N + Q) * D * sizeof *keys), *q = keys + N * D;
  hfy_real *scores = (hfy_real *)malloc((Q + 1) * N * sizeof *scores), best[Q * K], one[K];
  double errors[Q], off[Q * K], error, of_one[K];
  size_t top[Q * K], certified[Q], named[K], sure, i, j, sim;
  hfy_work work;
  memset(&work, 0, sizeof work);
  for (sim = 0; sim < 3; sim++) {
    hfy_index_options options = {SIZE_MAX, 0, 0, HFY_SIM_DOT};
    const size_t bytes = (options.sim = (hfy_sim)sim, hfy_index_size(N, D, &options));
    void *memory = malloc(bytes);
    hfy_index index;
    normals(&rng, keys, (N + Q) * D, 1);
    CHECK(hfy_index_build(keys, N, D, 0, &options, memory, bytes, &index, NULL) == HFY_OK);
    q[2 * D + 5] = not_a_number();
    fill(q + 4 * D, D, REAL_MAX);
    fill(scores, Q * N, -777), fill(best, Q * K, -777);
    errors[2] = errors[4] = -777;
    helping = 3;
    CHECK_FAILS(hfy_index_scores(&index, options.sim, 2, q, Q, scores, errors, &work), HFY_ERR_NONFINITE, &work,
                "queries: NaN or infinity in row 2");
    CHECK_FAILS(hfy_index_top(&index, options.sim, 2, q, Q, K, top, best, off, certified, &work), HFY_ERR_NONFINITE,
                &work, "queries: NaN or infinity in row 2");
    helping = 1;
    for (j = 0; j < Q; j++) {
      hfy_real *row = scores + Q * N;
      if (j == 2 || j == 4) {
        CHECK(all_are(scores + j * N, N, -777) && all_are(best + j * K, K, -777) && errors[j] <= -777);
        CHECK(j == 2 || hfy_index_scores(&index, options.sim, 2, q + j * D, 1, row, NULL, NULL) == HFY_ERR_UNSUPPORTED);
        continue;
      }
      CHECK(hfy_index_scores(&index, options.sim, 2, q + j * D, 1, row, &error, NULL) == HFY_OK);
      CHECK(hfy_index_top(&index, options.sim, 2, q + j * D, 1, K, named, one, of_one, &sure, NULL) == HFY_OK);
      CHECK(same_bits(row, scores + j * N, N * sizeof *row) && same_bits(&error, errors + j, sizeof error));
      CHECK(same_bits(named, top + j * K, sizeof named) && same_bits(one, best + j * K, sizeof one));
      CHECK(same_bits(of_one, off + j * K, sizeof of_one) && sure == certified[j]);
      CHECK(hfy_index_top(&index, options.sim, 2, q + j * D, 1, 1, &i, NULL, NULL, NULL, NULL) == HFY_OK && i == named[0]);
    }
    free(memory);
  }
  free(keys), free(scores);
  hfy_work_free(&work);
}

/* What is stored and what is asked decide how much is certified; the weights of scores are as near as it is proven. */
TEST(without_keys_enough) {
  enum { N = 600, D = 128 };
  static const double noise[] = {0, 0.3, 1};
  hfy_rng rng = hfy_rng_seed(79);
  hfy_real *keys = (hfy_real *)malloc((N + 1) * D * sizeof *keys), *q = keys + N * D, p[2][N], theta[2][N];
  hfy_index_options plain = {SIZE_MAX, 0, 0, HFY_SIM_DOT};
  const size_t bytes = hfy_index_size(N, D, &plain);
  void *memory = malloc(bytes);
  hfy_index index;
  hfy_sep sep;
  size_t i, j, d, l, sure = 0, top, list[20];
  double error, scale, sum, most, square, on;
  CHECK((double)hfy_index_size(1000000, D, &plain) <= 0.3 * (4e6 * D + (double)hfy_index_size(1000000, D, NULL)));
  normals(&rng, keys, N * D, 1);
  CHECK(hfy_index_build(keys, N, D, 0, &plain, memory, bytes, &index, NULL) == HFY_OK);
  for (j = 0; j < 60; j++) {
    const size_t of = below(&rng, N);
    for (d = 0; d < D; d++) q[d] = keys[of * D + d] + (hfy_real)(noise[j % 3] * hfy_rng_normal(&rng));
    CHECK(hfy_index_top(&index, HFY_SIM_DOT, 1, q, 1, 1, &top, NULL, NULL, &i, NULL) == HFY_OK && top == of);
    sure += i;
    CHECK(hfy_index_top(&index, HFY_SIM_DOT, 1, q, 1, 20, list, NULL, NULL, &l, NULL) == HFY_OK);
    CHECK(i <= l && l < 20 && list[0] == top); /* where one fails those before it stay */
    scale = pow(10, (double)(j % 8) / 2 - 3);
    CHECK(hfy_index_scores(&index, HFY_SIM_DOT, scale, q, 1, theta[0], &error, NULL) == HFY_OK);
    CHECK(hfy_sim_scores(HFY_SIM_DOT, scale, keys, N, D, 0, q, 1, theta[1], NULL) == HFY_OK);
    memset(&sep, 0, sizeof sep);
    for (i = 0; i < N; i++) CHECK(fabs((double)theta[0][i] - (double)theta[1][i]) < 0.49 * error); /* it is half way */
    for (i = 0; i < 2; i++) CHECK(hfy_sep_apply(&sep, theta[i], 1, N, p[i], NULL) == HFY_OK);
    for (sum = 0, i = 0; i < N; i++) sum += fabs((double)p[0][i] - (double)p[1][i]);
    CHECK(sum <= 2 * tanh(error / 2) + 100 * REAL_EPS);
    sep.kind = HFY_SEP_SPARSEMAX;
    for (i = 0; i < 2; i++) CHECK(hfy_sep_apply(&sep, theta[i], 1, N, p[i], NULL) == HFY_OK);
    for (most = square = on = 0, i = 0; i < N; i++) {
      const double away = fabs((double)p[0][i] - (double)p[1][i]);
      most = away > most ? away : most, square += away * away, on += p[0][i] > 0 || p[1][i] > 0;
    }
    CHECK(most <= 2 * error + 10 * REAL_EPS && sqrt(square) <= sqrt(on) * error + 10 * REAL_EPS);
  }
  if (!CHECK(sure >= 57)) printf("    %zu of 60\n", sure);
  free(keys), free(memory);
}

#ifdef HFY_DOUBLE
/* Weights that have few digits left, of keys so large that those count. */
TEST(tiny_weights_of_huge_keys) {
  hfy_rng rng = hfy_rng_seed(97);
  size_t round, i, d;
  for (round = 0; round < 40; round++) {
    victim v = new_victim(&rng, GAUSS, 3, 9, SIZE_MAX, 1);
    const hfy_index_options plain = {SIZE_MAX, 0, 0, HFY_SIM_DOT};
    double out[9], weights[3], error = -1;
    long double away = 0;
    for (i = 0; i < 27; i++) v.keys[i] *= 1e307;
    CHECK(hfy_index_build(v.keys, 3, 9, 0, &plain, v.raw, v.index.bytes + 63, &v.index, NULL) == HFY_OK);
    for (i = 0; i < 3; i++) weights[i] = 4.9406564584124654e-324 * (double)below(&rng, 300);
    CHECK(hfy_index_project(&v.index, NULL, 3, weights, out, &error, NULL) == HFY_OK);
    for (d = 0; d < 9; d++) {
      long double sum = -(long double)out[d];
      for (i = 0; i < 3; i++) sum += (long double)weights[i] * (long double)v.keys[i * 9 + d];
      away += sum * sum;
    }
    if (!CHECK(sqrtl(away) <= (long double)error)) printf("    off by %Lg, said %g\n", sqrtl(away), error);
    free_victim(&v);
  }
}
#endif

TEST(without_keys_errors) {
  enum { N = 6, D = 4 };
  hfy_real keys[N * D], q[2 * D] = {1, 2, 3, 4, 4, 3, 2, 1}, scores[2 * N], out[D], weights[3] = {1, 2, 3};
  double errors[4];
  size_t top[4] = {7, 7, 7, 7}, certified[2], rows[3] = {0, 5, 6}, i, bit;
  hfy_index_options options = {SIZE_MAX, 0, 0, HFY_SIM_EUCLIDEAN};
  unsigned char memory[2048], room[64];
  hfy_index index, other;
  hfy_work work;
  memset(&work, 0, sizeof work);
  for (i = 0; i < N * D; i++) keys[i] = (hfy_real)i;
  CHECK(hfy_index_build(keys, N, D, 0, &options, memory, sizeof memory, &index, NULL) == HFY_OK);
  fill(scores, 2 * N, -777), fill(out, D, -777);
#define SCORES(index, sim, beta, q, scores, part) \
  CHECK_FAILS(hfy_index_scores(index, (hfy_sim)(sim), beta, q, 2, scores, errors, &work), HFY_ERR_ARG, &work, part)
#define TOP(index, sim, beta, q, k, top, part) \
  CHECK_FAILS(hfy_index_top(index, (hfy_sim)(sim), beta, q, 2, k, top, scores, errors, certified, &work), HFY_ERR_ARG, \
              &work, part)
  SCORES(NULL, 0, 1, q, scores, "index is NULL");
  SCORES(&index, 0, 1, NULL, scores, "queries is NULL");
  SCORES(&index, 0, 1, q, NULL, "scores is NULL");
  SCORES(&index, HFY_SIM_COSINE, 1, q, scores, "sim is 1; it should be 0 or what index was built for, 2");
  SCORES(&index, 77, 1, q, scores, "sim is 77");
  SCORES(&index, 0, 0, q, scores, "beta is 0; it should be finite and at least 1e-300");
  SCORES(&index, 0, -1, q, scores, "beta is -1");
  SCORES(&index, 0, HUGE_VAL, q, scores, "beta is");
  SCORES(&index, 0, (double)NAN, q, scores, "beta is");
  TOP(NULL, 0, 1, q, 2, top, "index is NULL");
  TOP(&index, 0, 1, NULL, 2, top, "queries is NULL");
  TOP(&index, 0, 1, q, 2, NULL, "top is NULL");
  TOP(&index, 0, 1, q, 0, top, "k is 0; it should be at least 1 and at most index->count, 6");
  TOP(&index, 0, 1, q, 7, top, "k is 7");
  TOP(&index, HFY_SIM_COSINE, 1, q, 2, top, "sim is 1");
  CHECK_FAILS((hfy_index_top(&index, HFY_SIM_DOT, 1, q, SIZE_MAX / 8, 1, top, scores, errors, certified, &work)),
              HFY_ERR_ARG, &work, "n_queries is");
  CHECK(hfy_index_scores(&index, HFY_SIM_DOT, 1, NULL, 0, NULL, NULL, &work) == HFY_OK);
  CHECK_FAILS(hfy_index_scores(&index, HFY_SIM_DOT, REAL_MAX, q, 2, scores, errors, &work), HFY_ERR_NONFINITE, &work,
              "row 0: scores beyond");
  CHECK_FAILS(hfy_index_scores(&index, options.sim, REAL_MAX, q, 2, scores, errors, &work), HFY_ERR_NONFINITE, &work,
              "row 0: scores beyond");
  CHECK_FAILS(hfy_index_project(NULL, rows, 3, NULL, out, errors, &work), HFY_ERR_ARG, &work, "index is NULL");
  CHECK_FAILS(hfy_index_project(&index, rows, 3, NULL, NULL, errors, &work), HFY_ERR_ARG, &work, "out is NULL");
  CHECK_FAILS(hfy_index_project(&index, rows, 3, NULL, out, errors, &work), HFY_ERR_ARG, &work,
              "rows[2] is 6; it should be below index->count, 6");
  CHECK_FAILS(hfy_index_project(&index, NULL, 7, NULL, out, errors, &work), HFY_ERR_ARG, &work, "rows[6] is 6");
  errors[0] = -777;
  for (i = 0; i < 3; i++) {
    weights[1] = (hfy_real)(i == 0 ? (double)not_a_number() : i == 1 ? -HUGE_VAL : REAL_MAX);
    CHECK_FAILS(hfy_index_project(&index, NULL, 3, weights, out, errors, &work), HFY_ERR_NONFINITE, &work, "weights");
  }
  CHECK(errors[0] <= -777);
  for (bit = 0; bit < 8 * sizeof index; bit++) { /* each bit of each member, but for where data points */
    other = index;
    ((unsigned char *)&other)[bit / 8] ^= (unsigned char)(1u << bit % 8);
    if (bit / 8 < sizeof index.data ? bit % 64 > 5 : bit / 8 >= offsetof(hfy_index, generation)) continue;
    TOP(&other, 0, 1, q, 2, top, "index");
    CHECK(hfy_index_project(&other, rows, 2, NULL, out, errors, &work) == HFY_ERR_ARG);
  }
  CHECK(all_are(scores, 2 * N, -777) && all_are(out, D, -777) && top[0] == 7 && top[3] == 7);
  for (i = 0; i < 400; i++) { /* bytes: found by the check; else an answer or a status */
    unsigned char *byte = (unsigned char *)(uintptr_t)index.data + (i < index.bytes ? i : 0);
    const unsigned char was = *byte;
    hfy_status status;
    *byte = (unsigned char)(i % 2 ? 0xFF : was ^ 0x7F);
    status = hfy_index_top(&index, i % 3 ? options.sim : HFY_SIM_DOT, 1, q, 2, 2, top, scores, errors, certified, &work);
    CHECK(status == HFY_OK || status == HFY_ERR_NONFINITE);
    CHECK(status || (top[0] < N && top[3] < N && fabs((double)scores[0]) <= REAL_MAX && errors[0] <= DBL_MAX));
    if (was != *byte && i < N * D)
      CHECK_FAILS(hfy_index_check(&index, NULL, N, D, 0, &work), HFY_ERR_ARG, &work, "index->data have changed");
    *byte = was;
  }
  CHECK(hfy_index_build(keys, N, D, 0, &options, memory, sizeof memory, &index, NULL) == HFY_OK);
  for (i = 0; i < N; i++) { /* errors of -infinity */
    hfy_index_view_ view;
    CHECK(hfy_index_open_(&index, N, D, &view, &work) == HFY_OK);
    view.error[i] = -(float)HUGE_VAL;
    CHECK_FAILS(hfy_index_scores(&index, HFY_SIM_DOT, 1, q, 2, scores, errors, &work), HFY_ERR_NONFINITE, &work,
                "the bytes at index->data have changed");
    CHECK_FAILS(hfy_index_project(&index, NULL, N, NULL, out, errors, &work), HFY_ERR_NONFINITE, &work,
                "the bytes at index->data have changed");
    view.error[i] = 0;
  }
  fill(keys, N * D, (hfy_real)(0.75 * REAL_MAX)); /* a sum that hfy_real holds, its elements' sum that it does not */
  CHECK(hfy_index_build(keys, N, D, 0, &options, memory, sizeof memory, &index, NULL) == HFY_OK);
  CHECK(hfy_index_project(&index, NULL, 1, NULL, out, errors, &work) == HFY_OK && errors[0] <= REAL_MAX / 50);
  for (i = 0; i < D; i++) CHECK(fabs((double)out[i] - 0.75 * REAL_MAX) <= errors[0]);
  CHECK_FAILS(hfy_index_project(&index, NULL, 2, NULL, out, errors, &work), HFY_ERR_NONFINITE, &work, "the sum is beyond");
  options.sim = HFY_SIM_COSINE;
  fill(keys, N * D, 0); /* all equal: none before another */
  CHECK(hfy_index_build(keys, N, D, 0, &options, memory, sizeof memory, &index, NULL) == HFY_OK);
  CHECK(hfy_index_top(&index, options.sim, 1, q, 1, 2, top, NULL, NULL, certified, NULL) == HFY_OK);
  CHECK(top[0] == 0 && top[1] == 1 && certified[0] == 0);
  hfy_work_free(&work);
  work.buffer = room, work.capacity = sizeof room, work.owned = 0;
  CHECK_FAILS(hfy_index_scores(&index, HFY_SIM_DOT, 1, q, 2, scores, errors, &work), HFY_ERR_NOMEM, &work, "capacity");
}

/* --- changes --- */

/* A copy of an index, data and all, in `raw` of at least bytes + 63. */
static hfy_index copy_index(const hfy_index *of, unsigned char *raw) {
  hfy_index copy = *of;
  unsigned char *at = raw + ((64 - (size_t)((uintptr_t)raw & 63)) & 63);
  copy.data = memcpy(at, of->data, of->bytes);
  return copy;
}

/* The members of two indices and their bytes; `largest` may have been larger, the two shares are of other keys. */
static int same_index(const hfy_index *a, const hfy_index *b) {
  return a->count == b->count && a->dim == b->dim && a->capacity == b->capacity && a->prefix == b->prefix &&
         a->format == b->format && a->content == b->content && a->exponent == b->exponent && a->bytes == b->bytes &&
         !(a->mean_norm < b->mean_norm) && !(a->mean_norm > b->mean_norm) && !(a->basis_norm < b->basis_norm) &&
         !(a->basis_norm > b->basis_norm) && same_bits(a->data, b->data, a->bytes);
}

/* With each of two indices as without one, to the bit: one query alone, many, several steps. */
static void same_answers(hfy_rng *rng, const hfy_real *keys, size_t n, size_t dim, const hfy_index *a,
                         const hfy_index *b) {
  enum { ASKED = 18 };
  const hfy_index *of[3];
  hfy_real *q = (hfy_real *)malloc(4 * ASKED * dim * sizeof *q);
  size_t i, j, asked = below(rng, 2) ? 1 : ASKED;
  memory_of m;
  hfy_net net;
  hfy_status status[3];
  hfy_work work;
  memset(&work, 0, sizeof work), memset(&net, 0, sizeof net);
  of[0] = NULL, of[1] = a, of[2] = b;
  for (j = 0; j < ASKED; j++) make_query(rng, keys, n, dim, dim, j % 3 ? 0.4 : 0, q + j * dim);
  m.keys = (hfy_real *)(uintptr_t)keys, m.count = n, m.dim = m.stride = dim;
  net.dim = dim, net.count = n, net.keys = keys, net.max_steps = 1 + below(rng, 3);
  net.sep.kind = below(rng, 2) ? HFY_SEP_SPARSEMAX : HFY_SEP_ARGMAX;
  net.beta = pow(10, 4 * hfy_rng_uniform(rng) - 1) / typical_score(&m, q);
  if (!(net.beta < 1e30)) net.beta = 1e30;
  work.isa = (hfy_isa)below(rng, HFY_ISA_NEON);
  if (!hfy_simd_choose_(&work)) work.isa = HFY_ISA_BEST;
  for (i = 0; i < 3; i++) {
    net.index = of[i];
    fill(q + (i + 1) * ASKED * dim, asked * dim, -777);
    status[i] = hfy_retrieve(&net, q, asked, q + (i + 1) * ASKED * dim, NULL, &work);
  }
  for (i = 1; i < 3; i++)
    if (!CHECK(status[0] == status[i] &&
               same_bits(q + ASKED * dim, q + (i + 1) * ASKED * dim, asked * dim * sizeof *q)))
      printf("    index %zu, %zu x %zu, %zu asked, beta %g: %s\n", i, n, dim, asked, net.beta, work.message);
  hfy_work_free(&work);
  free(q);
}

/* Any changes in any order: the bytes of one update of all rows, with the same answers as a new build; and where mean,
   directions and scale are those of a new build (row 0 alone says what they are) its very bytes. */
TEST(updates) {
  static const size_t dims[] = {1, 3, 17, 64, 130};
  hfy_rng rng = hfy_rng_seed(61 + sizeof(hfy_real));
  size_t round, k, d;
  hfy_work work;
  memset(&work, 0, sizeof work);
  for (round = 0; round < 36 / FEWER; round++) {
    const int kind = (int)below(&rng, HUGE_KEYS), alike = round % 2 == 0 || kind == DENORMAL;
    const size_t dim = dims[below(&rng, COUNT(dims))], room = 20 + below(&rng, 150);
    const size_t bytes_of_row = dim * sizeof(hfy_real);
    size_t n = 1 + below(&rng, room), bytes;
    hfy_real *keys = (hfy_real *)malloc(2 * room * bytes_of_row), *more = keys + room * dim;
    hfy_index_options options = {0, 0, 0, HFY_SIM_DOT};
    unsigned char *raw, *again, *anew;
    hfy_index index, all, built;
    options.prefix = round % 3 ? 1 + below(&rng, dim < 9 ? dim : 9) + (round % 4 == 1 && dim > 41 ? 32 : 0) : SIZE_MAX;
    options.sample = alike ? 1 : 0;
    options.capacity = room;
    bytes = hfy_index_size(n, dim, &options);
    raw = (unsigned char *)malloc(3 * bytes), again = raw + bytes, anew = again + bytes;
    make_keys(kind, &rng, room, dim, dim, keys);
    make_keys((int)below(&rng, HUGE_KEYS), &rng, room, dim, dim, more);
    for (k = 0; alike && k < room * dim; k++) /* row 0 has the largest element there is */
      more[k] = (hfy_real)(fabs((double)more[k]) < 1e6 ? (double)more[k] : 0);
    if (alike) keys[0] = (hfy_real)(1 << 24);
    CHECK(hfy_index_build(keys, n, dim, 0, &options, raw, bytes, &index, &work) == HFY_OK);
    CHECK(index.capacity == room && index.bytes + 63 == bytes);
    for (k = 0; k < 12; k++) {
      const size_t first = n > 1 ? 1 + below(&rng, n - 1) : 0, some = below(&rng, n - first + 1);
      size_t now = n;
      if (k % 4 == 0) { /* others behind them, the last of them new too */
        const size_t from = n - (n > 1 ? below(&rng, 2) : 0);
        now = n + below(&rng, room - n + 1);
        memcpy(keys + from * dim, more + from * dim, (now - from) * bytes_of_row);
        CHECK(hfy_index_update(&index, keys, now, dim, 0, from, now - from, &work) == HFY_OK);
      } else if (k % 4 == 1 && n > 1) { /* one goes, the last takes its place */
        now = n - 1;
        if (first < now) memcpy(keys + first * dim, keys + now * dim, bytes_of_row);
        CHECK(hfy_index_update(&index, keys, now, dim, 0, first < now ? first : 0, first < now, &work) == HFY_OK);
      } else if (k % 4 == 2) { /* others in their place */
        memcpy(keys + first * dim, more + below(&rng, room - some + 1) * dim, some * bytes_of_row * (n > 1));
        CHECK(hfy_index_update(&index, keys, n, dim, 0, first, n > 1 ? some : 0, &work) == HFY_OK);
      } else if (n > 1) {
        memmove(keys + first * dim, keys + (first + some) * dim, (n - first - some) * bytes_of_row);
        now = n - some;
        CHECK(hfy_index_remove(&index, first, some, &work) == HFY_OK);
      }
      n = now;
      CHECK(index.count == n && hfy_index_check(&index, keys, n, dim, 0, &work) == HFY_OK);
      all = copy_index(&index, again);
      CHECK(hfy_index_update(&all, keys, n, dim, 0, 0, n, &work) == HFY_OK && same_index(&index, &all));
      CHECK(hfy_index_build(keys, n, dim, 0, &options, anew, bytes, &built, &work) == HFY_OK);
      if (alike && built.exponent == index.exponent) CHECK(same_index(&index, &built));
      CHECK(!alike || built.exponent == index.exponent);
      same_answers(&rng, keys, n, dim, &index, &built);
    }
    d = below(&rng, n); /* a change that nobody told of: seen by the full check, and by chance or in the end by others */
    keys[d * dim] += keys[d * dim] < 1 && keys[d * dim] > -1 ? 1 : keys[d * dim];
    CHECK_FAILS(hfy_index_check(&index, keys, n, dim, 0, &work), HFY_ERR_ARG, &work, "changed");
    if (d == 0 || d == n - 1 || n <= 16)
      CHECK_FAILS(hfy_index_update(&index, keys, n, dim, 0, n, 0, &work), HFY_ERR_ARG, &work, "changed");
    if (n > 1 && d && hfy_index_update(&index, keys, n, dim, 0, 0, 1, &work) == HFY_OK)
      CHECK_FAILS(hfy_index_check(&index, keys, n, dim, 0, &work), HFY_ERR_ARG, &work, "changed");
    free(keys), free(raw);
  }
  hfy_work_free(&work);
}

/* What an update and a removal refuse, with index, bytes and keys as they were. */
TEST(update_errors) {
  hfy_real keys[9 * 4];
  unsigned char memory[4096], kept[4096];
  hfy_index index, whole, other;
  hfy_work work;
  hfy_index_options options = {2, 0, 9, HFY_SIM_DOT};
  size_t i, bytes = hfy_index_size(6, 4, &options);
  memset(&work, 0, sizeof work), memset(memory, 0, sizeof memory); /* it begins where it is aligned */
  for (i = 0; i < 36; i++) keys[i] = (hfy_real)(1 + i % 7);
  CHECK(bytes > hfy_index_size(6, 4, NULL) && bytes < sizeof memory);
  options.capacity = 5; /* less than count is count */
  CHECK(hfy_index_size(6, 4, &options) < bytes);
  options.capacity = 9;
  CHECK(hfy_index_build(keys, 6, 4, 0, &options, memory, bytes, &index, &work) == HFY_OK);
  whole = index;
  memcpy(kept, memory, sizeof memory);
  CHECK_FAILS(hfy_index_update(NULL, keys, 7, 4, 0, 6, 1, &work), HFY_ERR_ARG, &work, "index is NULL");
  CHECK_FAILS(hfy_index_update(&index, NULL, 7, 4, 0, 6, 1, &work), HFY_ERR_ARG, &work, "keys is NULL");
  CHECK_FAILS(hfy_index_update(&index, keys, 7, 3, 0, 6, 1, &work), HFY_ERR_ARG, &work, "dim 3");
  CHECK_FAILS(hfy_index_update(&index, keys, 7, 4, 3, 6, 1, &work), HFY_ERR_ARG, &work, "key_stride is 3");
  CHECK_FAILS(hfy_index_update(&index, keys, 10, 4, 0, 6, 4, &work), HFY_ERR_ARG, &work, "capacity, 9");
  CHECK_FAILS(hfy_index_update(&index, keys, 0, 4, 0, 0, 0, &work), HFY_ERR_ARG, &work, "count is 0");
  CHECK_FAILS(hfy_index_update(&index, keys, 7, 4, SIZE_MAX / 8, 6, 1, &work), HFY_ERR_ARG, &work, "cannot exist");
  CHECK_FAILS(hfy_index_update(&index, keys, 7, 4, 0, 8, 0, &work), HFY_ERR_ARG, &work, "first is 8");
  CHECK_FAILS(hfy_index_update(&index, keys, 7, 4, 0, 6, SIZE_MAX, &work), HFY_ERR_ARG, &work, "first is 6");
  CHECK_FAILS(hfy_index_update(&index, keys, 8, 4, 0, 6, 1, &work), HFY_ERR_ARG, &work, "all new");
  CHECK_FAILS(hfy_index_update(&index, keys, 8, 4, 0, 7, 1, &work), HFY_ERR_ARG, &work, "all new");
  CHECK_FAILS(hfy_index_remove(NULL, 0, 1, &work), HFY_ERR_ARG, &work, "index is NULL");
  CHECK_FAILS(hfy_index_remove(&index, 0, 6, &work), HFY_ERR_ARG, &work, "one should stay");
  CHECK_FAILS(hfy_index_remove(&index, 7, 0, &work), HFY_ERR_ARG, &work, "first is 7");
  CHECK_FAILS(hfy_index_remove(&index, 5, 2, &work), HFY_ERR_ARG, &work, "n 2");
  for (i = 0; i < 2; i++) {
    keys[25] = (hfy_real)(i ? HUGE_VAL : (double)NAN);
    CHECK_FAILS(hfy_index_update(&index, keys, 7, 4, 0, 6, 1, &work), HFY_ERR_NONFINITE, &work, "row 6");
  }
  keys[25] = (hfy_real)(8.1 * 4294967296.0);
  CHECK_FAILS(hfy_index_update(&index, keys, 7, 4, 0, 6, 1, &work), HFY_ERR_ARG, &work, "2^32");
  keys[25] = 1, keys[3] += 1;
  CHECK_FAILS(hfy_index_update(&index, keys, 7, 4, 0, 6, 1, &work), HFY_ERR_ARG, &work, "row 0");
  keys[3] -= 1, keys[23] += 1; /* the last of them, behind what has changed */
  CHECK_FAILS(hfy_index_update(&index, keys, 6, 4, 0, 0, 1, &work), HFY_ERR_ARG, &work, "row 5");
  keys[23] -= 1;
  for (i = 0; i < 2; i++) {
    other = index;
    other.largest *= 2;
    CHECK_FAILS(i ? hfy_index_remove(&other, 0, 1, &work) : hfy_index_update(&other, keys, 6, 4, 0, 0, 1, &work),
                HFY_ERR_ARG, &work, "member");
    other = index;
    other.capacity = 3, other.seal = hfy_index_seal_(&other);
    CHECK_FAILS(i ? hfy_index_remove(&other, 0, 1, &work) : hfy_index_update(&other, keys, 6, 4, 0, 0, 1, &work),
                HFY_ERR_ARG, &work, "member");
  }
  hfy_work_free(&work);
  work.buffer = keys, work.capacity = 8, work.owned = 0;
  CHECK_FAILS(hfy_index_update(&index, keys, 7, 4, 0, 6, 1, &work), HFY_ERR_NOMEM, &work, "capacity is 8");
  CHECK(same_bits(&index, &whole, sizeof index) && same_bits(memory, kept, sizeof memory));
  memset(&work, 0, sizeof work);
  keys[25] = (hfy_real)(7.9 * 4294967296.0); /* just small enough; the bounds hold for it, too */
  CHECK(hfy_index_update(&index, keys, 7, 4, 0, 6, 1, &work) == HFY_OK && index.generation == 0);
  CHECK(index.largest > 4.2e9);
  CHECK(hfy_index_check(&index, keys, 7, 4, 0, &work) == HFY_OK);
  options.sim = HFY_SIM_COSINE; /* what it is for is sealed, too */
  CHECK(hfy_index_build(keys, 6, 4, 0, &options, memory, sizeof memory, &index, &work) == HFY_OK);
  index.sim = HFY_SIM_EUCLIDEAN;
  CHECK_FAILS(hfy_index_check(&index, keys, 6, 4, 0, &work), HFY_ERR_ARG, &work, "member");
  options.sim = HFY_SIM_MANHATTAN;
  CHECK_FAILS(hfy_index_build(keys, 6, 4, 0, &options, memory, sizeof memory, &index, &work), HFY_ERR_ARG, &work,
              "options->sim");
  hfy_work_free(&work);
}

/* SOFTMAX and EXP that leave a share out: no more than was allowed, no more than is reported; the same bits with an
   index, without, alone, in a batch; near the whole answer. */
TEST(a_share_left_out) {
  hfy_rng rng = hfy_rng_seed(83);
  size_t round, i, j, l, some = 0, none = 0, whole = 0;
  hfy_work work;
  memset(&work, 0, sizeof work);
  for (round = 0; round < 60 / FEWER; round++) {
    enum { ASKED = 18, MOST = 700 };
    static const double shares[] = {1e-6, 1e-3, 0.05, 0.5, 1e-12, 0.99};
    static hfy_real score[MOST], weight[ASKED * 50];
    static double theta[MOST];
    static size_t kept[ASKED * 50];
    const size_t n = 1 + below(&rng, round % 4 ? 40 : MOST), dim = 1 + below(&rng, 70);
    const hfy_sim sim = (hfy_sim)below(&rng, 3);
    double left[3][ASKED], largest = 0;
    size_t support[3][ASKED];
    hfy_status status[3];
    hfy_index_options options = {SIZE_MAX, 0, 0, HFY_SIM_DOT};
    hfy_real *all;
    victim v = new_victim(&rng, (int)below(&rng, HUGE_KEYS), n, dim, SIZE_MAX, ASKED);
    hfy_net *net = &v.net;
    hfy_report report;
    memory_of m;
    size_t bytes, visible[ASKED];
    memset(&report, 0, sizeof report);
    all = (hfy_real *)malloc(2 * ASKED * dim * sizeof *all);
    options.sim = sim, options.prefix = round % 3 ? SIZE_MAX : 1 + dim / 9;
    bytes = hfy_index_size(n, dim, &options);
    free(v.raw);
    v.raw = (unsigned char *)malloc(bytes);
    CHECK(hfy_index_build(v.keys, n, dim, 0, &options, v.raw, bytes, &v.index, NULL) == HFY_OK);
    m.keys = v.keys, m.count = n, m.dim = m.stride = dim;
    net->sim = sim, net->sep.kind = round % 3 == 1 ? HFY_SEP_EXP : round % 3 ? HFY_SEP_SOFTMAX : HFY_SEP_ENTMAX;
    net->sep.alpha = 1;
    net->beta = pow(10, 3 * hfy_rng_uniform(&rng) - 0.5) / (sim == HFY_SIM_COSINE ? 1 : typical_score(&m, v.q));
    if (!(net->beta < 1e30)) net->beta = 1e30;
    if (net->sep.kind == HFY_SEP_EXP) net->post.kind = HFY_POST_L2; /* of any scale */
    net->null_pattern = net->sep.kind != HFY_SEP_EXP && round % 5 == 2, net->null_score = round % 2 ? 1 : -2;
    for (j = 0; j < ASKED; j++) visible[j] = 1 + below(&rng, n + 3);
    if (round % 7 == 3) net->visible = visible;
    net->leave_out = shares[round % COUNT(shares)];
    work.isa = (hfy_isa)below(&rng, HFY_ISA_NEON);
    if (!hfy_simd_choose_(&work)) work.isa = HFY_ISA_BEST;
    if (n < 50) report.top = n, report.top_index = kept, report.top_weight = weight;
    for (i = 0; i < 3; i++) { /* by a scan, by the index, by the index one after another */
      hfy_real *out = i ? v.out : v.right;
      net->index = i ? &v.index : NULL;
      fill(out, ASKED * dim, -777);
      report.support = support[i], report.left_out = left[i];
      memset(left[i], 0, sizeof left[i]), memset(support[i], 0, sizeof support[i]);
      if (i < 2) status[i] = hfy_retrieve(net, v.q, ASKED, out, &report, &work);
      for (j = 0, status[2] = HFY_OK; i == 2 && j < ASKED; j++) {
        hfy_net one = *net;
        hfy_report its = report;
        hfy_status now;
        if (one.visible) one.visible += j;
        its.support += j, its.left_out += j, its.top = 0, its.top_index = NULL, its.top_weight = NULL;
        now = hfy_retrieve(&one, v.q + j * dim, 1, out + j * dim, &its, &work);
        if (!status[2]) status[2] = now;
      }
      if (!i) continue;
      if (!CHECK(status[0] == status[i] && same_bits(support[0], support[i], sizeof support[0]) &&
                 same_bits(left[0], left[i], sizeof left[0]) && same_bits(v.right, v.out, ASKED * dim * sizeof *out)))
        printf("    round %zu, way %zu, %zu x %zu, sim %d\n", round, i, n, dim, (int)sim);
    }
    net->index = &v.index, net->leave_out = 0, report.left_out = left[2], report.top = 0, report.support = NULL;
    report.top_index = NULL, report.top_weight = NULL;
    CHECK(hfy_retrieve(net, v.q, ASKED, all, &report, &work) == status[0]);
    for (i = 0; i < n * dim; i++) largest = fabs((double)v.keys[i]) > largest ? fabs((double)v.keys[i]) : largest;
    for (j = 0; j < ASKED && !status[0]; j++) {
      const size_t sees = net->visible ? hfy_base_min_(visible[j], n) : n;
      double top = net->null_pattern ? net->null_score : -HUGE_VAL, sum = 0, listed = 0;
      const double late = sim == HFY_SIM_DOT && sizeof(hfy_real) == sizeof(float) ? net->beta : 1; /* not rounded */
      CHECK(!hfy_sim_scores(sim, net->beta / late, v.keys, n, dim, 0, v.q + j * dim, 1, score, &work));
      for (i = 0; i < n; i++) theta[i] = late * (double)score[i];
      for (i = 0; i < sees; i++) top = theta[i] > top ? theta[i] : top;
      for (i = 0; i < sees; i++) sum += exp(theta[i] - top);
      if (net->null_pattern) listed = exp(net->null_score - top), sum += listed;
      for (l = 0; n < 50 && l < n && kept[j * n + l] != SIZE_MAX; l++) listed += exp(theta[kept[j * n + l]] - top);
      CHECK(left[1][j] >= 0 && left[1][j] <= shares[round % COUNT(shares)] * (1 + 1e-9));
      CHECK(left[2][j] <= 0);
      whole += left[1][j] <= 0;
      if (n < 50) {
        if (!CHECK(1 - listed / sum <= left[1][j] + 1e-12 && support[1][j] <= l && l <= sees))
          printf("    round %zu query %zu: %g left out, %g reported\n", round, j, 1 - listed / sum, left[1][j]);
        {
          const double share = shares[round % COUNT(shares)], far = log((double)n * (1 - share) / share);
          double best = -HUGE_VAL, lost;
          for (i = 0; i < sees; i++) best = theta[i] > best ? theta[i] : best;
          lost = (double)(sees - l) * exp(best - top - (far > 0 ? far : 0));
          if (best > top - 20) /* else weights of the kept underflow, and are not listed */
            CHECK(fabs(left[1][j] - lost / (listed + lost)) <= 1e-6 * left[1][j] + 1e-300);
        }
        if (net->sep.kind == HFY_SEP_EXP && fabs(top) < 60) /* of no sum */
          CHECK(fabs((double)weight[j * n] - exp(top)) <= 1e-4 * exp(top));
        some += l < sees, none += l == sees;
      }
      for (i = 0; i < dim && net->sep.kind != HFY_SEP_EXP; i++)
        CHECK(fabs((double)all[j * dim + i] - (double)v.out[j * dim + i]) <=
              (2 * left[1][j] + 40 * REAL_EPS * (1 + log((double)n))) * largest);
    }
    if (!status[0]) { /* gradients are those of all */
      hfy_grad grad;
      hfy_real *dq = all + ASKED * dim;
      memset(&grad, 0, sizeof grad), fill(v.right, ASKED * dim, 0), fill(dq, ASKED * dim, 0);
      grad.queries = v.right;
      net->max_steps = 2;
      status[0] = hfy_retrieve_vjp(net, v.q, ASKED, v.out, &grad, &work);
      net->leave_out = 0.3, grad.queries = dq;
      CHECK(hfy_retrieve_vjp(net, v.q, ASKED, v.out, &grad, &work) == status[0]);
      CHECK(same_bits(dq, v.right, ASKED * dim * sizeof *dq));
    }
    for (i = 0; i < 3; i++) {
      net->leave_out = i == 0 ? 1 : i == 1 ? -0.1 : (double)NAN;
      CHECK_FAILS(hfy_retrieve(net, v.q, 1, v.out, NULL, &work), HFY_ERR_ARG, &work, "leave_out");
    }
    free(all);
    free_victim(&v);
  }
  if (!CHECK(some > 300 / FEWER && none > 100 / FEWER && whole >= none)) printf("    %zu %zu %zu\n", some, none, whole);
  hfy_work_free(&work);
}

/* A query that sees nothing has no answer, whichever way it goes; with a null pattern that takes all. */
TEST(nothing_seen_is_nothing_left_out) {
  enum { D = 3, N = 4 };
  const hfy_real keys[N * D] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1}, queries[2 * D] = {1, 2, 3, 1, 1, 0};
  const size_t visible[2] = {0, 2};
  hfy_work work = {0};
  hfy_real bias[2 * N], out[2 * D];
  int round;
  for (round = 0; round < 8; round++) {
    double left[2] = {7, 7};
    hfy_status status[2];
    hfy_report report;
    hfy_net net;
    size_t i;
    memset(&net, 0, sizeof net), memset(&report, 0, sizeof report);
    for (i = 0; i < 2 * N; i++) bias[i] = (hfy_real)(i < N ? -HUGE_VAL : 0);
    net.dim = D, net.count = N, net.keys = keys, net.leave_out = 1e-3;
    net.sep.kind = round & 1 ? HFY_SEP_EXP : HFY_SEP_SOFTMAX;
    if (round & 2)
      net.bias = bias, net.bias_stride = N;
    else
      net.visible = visible;
    net.null_pattern = round == 4 || round == 6;
    report.status = status, report.left_out = left;
    fill(out, 2 * D, 7);
    if (net.null_pattern) {
      CHECK(hfy_retrieve(&net, queries, 2, out, &report, &work) == HFY_OK && left[0] <= 0);
      continue;
    }
    CHECK_FAILS(hfy_retrieve(&net, queries, 2, out, &report, &work), HFY_ERR_ARG, &work, "query 0: too few scores");
    CHECK(status[0] == HFY_ERR_ARG && status[1] == HFY_OK && left[0] >= 7 && left[1] < 1e-3);
    for (i = 0; i < D; i++) CHECK_EQ(out[i], 7);
  }
  hfy_work_free(&work);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(kernels_agree);
  RUN(same_bits_as_the_full_scan);
  RUN(same_bits_in_larger_memories);
#ifndef HFY_DOUBLE
  RUN(long_rows);
#endif
  RUN(odd_queries);
  RUN(a_batch_that_overflows);
  RUN(bounds_hold);
  RUN(any_directions_will_do);
  RUN(cosines_without_keys_allow_for_any_kernel);
  RUN(bounds_of_a_batch_hold);
  RUN(bounds_of_other_similarities);
  RUN(spans_cover_every_row);
  RUN(a_list_that_is_long);
  RUN(bounds_follow_a_query);
#ifdef HFY_DOUBLE
  RUN(bounds_follow_over_any_range);
#endif
  RUN(constants_of_the_proof);
  RUN(each_element_is_compared);
  RUN(sums_out_of_range);
  RUN(solutions_leave_no_trace);
  RUN(cut_by_the_threshold);
  RUN(stale_and_foreign);
  RUN(build_errors);
  RUN(deterministic);
  RUN(any_memory);
  RUN(any_distances);
  RUN(any_cosines);
  RUN(damaged_members);
  RUN(damaged_bytes);
  RUN(replaced_keys);
  RUN(without_keys);
  RUN(without_keys_in_batches);
  RUN(without_keys_enough);
#ifdef HFY_DOUBLE
  RUN(tiny_weights_of_huge_keys);
#endif
  RUN(without_keys_errors);
  RUN(a_share_left_out);
  RUN(nothing_seen_is_nothing_left_out);
  RUN(updates);
  RUN(update_errors);
  return CHECK_END();
}
