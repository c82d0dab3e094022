/* test_blas.c: products by a BLAS. HFY_SGEMM and HFY_DGEMM are functions of this file; with HFY_CBLAS (make blas) it is
   the BLAS that is linked. Each call is counted, its arguments are looked at. A query alone makes no call, so it tells
   what a batch should answer, up to rounding. */
#include <stddef.h>

enum { SCORES, PROJECTIONS, WAYS };
static size_t calls[WAYS]; /* by how B lies: along k (scores), or along n */
static int wrong, none_expected;

/* C = +-A B (+ C): A m x k; the strides that are not 1 */
static void count_call(size_t m, size_t n, size_t k, int turned, size_t a, size_t b, size_t c, size_t a_least) {
  calls[turned ? SCORES : PROJECTIONS]++;
  if (!m || !n || !k || a < a_least || b < (turned ? k : n) || c < n || none_expected) wrong++;
}

#ifdef HFY_CBLAS
#include <cblas.h>
#define COUNTED(name, real)                                                                                        \
  static void counted_##name(enum CBLAS_ORDER order, enum CBLAS_TRANSPOSE ta, enum CBLAS_TRANSPOSE tb, int m, int n,   \
                             int k, real alpha, const real *a, int lda, const real *b, int ldb, real beta, real *c,    \
                             int ldc) {                                                                                \
    count_call((size_t)m, (size_t)n, (size_t)k, tb == CblasTrans, (size_t)lda, (size_t)ldb, (size_t)ldc,               \
               (size_t)(ta == CblasTrans ? m : k));                                                                    \
    name(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);                                                 \
  }
COUNTED(cblas_sgemm, float)
COUNTED(cblas_dgemm, double)
#define cblas_sgemm counted_cblas_sgemm
#define cblas_dgemm counted_cblas_dgemm
#else
#define HFY_NO_SIMD
#define GEMM(name, real)                                                                                            \
  static void name(size_t m, size_t n, size_t k, real alpha, const real *a, size_t a_row, size_t a_col, const real *b, \
                   size_t b_row, size_t b_col, real beta, real *c, size_t c_row, size_t c_col) {                    \
    size_t i, j, l;                                                                                                 \
    if (n > 1 && k > 1 && m > 1 && (a_row == 1 || a_col == 1) && (b_row == 1 || b_col == 1))                        \
      count_call(m, n, k, b_col != 1, a_col == 1 ? a_row : a_col, b_col == 1 ? b_row : b_col, c_row,                \
                 a_col == 1 ? k : m);                                                                               \
    if (!m || !n || !k || c_col != 1 || none_expected) wrong++;                                                     \
    if ((alpha != 1 && alpha != -1) || (beta != 0 && beta != 1)) wrong++;                                           \
    for (i = 0; i < m; i++)                                                                                         \
      for (j = 0; j < n; j++) {                                                                                     \
        real sum = 0;                                                                                               \
        for (l = k; l-- > 0;) sum += a[i * a_row + l * a_col] * b[l * b_row + j * b_col];                           \
        c[i * c_row + j * c_col] = alpha * sum + (beta > 0 ? c[i * c_row + j * c_col] : 0);                         \
      }                                                                                                             \
  }
GEMM(sgemm_of_ours, float)
GEMM(dgemm_of_ours, double)
#define HFY_SGEMM sgemm_of_ours
#define HFY_DGEMM dgemm_of_ours
#endif

/* tasks one after another, as if there were so many workers */
static int workers = 1;
#define HFY_WORKERS workers
#define HFY_PARALLEL_FOR(n, body, context)                \
  do {                                                    \
    size_t task;                                          \
    for (task = 0; task < (n); task++) body(context, task); \
  } while (0)
#define HFY_ONLY_INDEX
#define HFY_ONLY_SHARD
#define HFY_STATIC
#define HFY_IMPLEMENTATION
#include "../hfy.h"
#include "check.h"

#define ORACLE_COUNT 2100
#define ORACLE_DIM 24
#define ORACLE_QUERIES 44
#include "nets.h"

static fixture f;
static hfy_work work;
static const double tolerance = 4000 * REAL_EPS; /* times the largest element */

static void count_anew(void) { calls[SCORES] = calls[PROJECTIONS] = 0; }

static int near_rows(const hfy_real *a, const hfy_real *b, size_t n, double tol) {
  double most = 1;
  size_t i;
  for (i = 0; i < n; i++) most = fabs((double)b[i]) > most ? fabs((double)b[i]) : most;
  for (i = 0; i < n && fabs((double)a[i] - (double)b[i]) <= tol * most;) i++;
  return i == n;
}

/* The batch, then each query alone: answers, statuses, what a query without an answer leaves untouched. rows: asked for
   weights, too. Returns how many queries have an answer. */
static size_t as_alone(size_t B, int rows, double tol) {
  static hfy_real out[MAX_B * MAX_D], one[MAX_D], weights[MAX_B * MAX_N], weight[MAX_N];
  hfy_status status[MAX_B], single = HFY_OK, first = HFY_OK;
  const hfy_net *net = &f.net;
  hfy_report report, alone_report;
  size_t width = net->readout ? net->readout_dim : net->dim, j, answered = 0;
  char message[sizeof work.message];
  memset(&report, 0, sizeof report);
  memset(&alone_report, 0, sizeof alone_report);
  report.status = status;
  alone_report.status = &single;
  if (rows) report.weights = weights, alone_report.weights = weight;
  fill(out, B * width, 77);
  count_anew();
  first = hfy_retrieve(net, f.queries, B, out, &report, &work);
  memcpy(message, work.message, sizeof message);
  none_expected = 1;
  for (j = 0; j < B; j++) {
    hfy_net alone = *net;
    hfy_sep *sep = &alone.sep;
    if (alone.bias) alone.bias += j * alone.bias_stride;
    if (alone.visible) alone.visible += j;
    if (sep->upper) sep->upper += j * sep->bound_stride;
    fill(one, width, 77);
    CHECK(hfy_retrieve(&alone, f.queries + j * net->dim, 1, one, &alone_report, &work) == single);
    CHECK(status[j] == single);
    if (single && first) { /* the first that failed is the one that is told of */
      char query[40];
      CHECK(first == single);
      snprintf(query, sizeof query, "query %lu", (unsigned long)j);
      CHECK_CONTAINS(message, query);
      first = HFY_OK;
    }
    CHECK(near_rows(out + j * width, one, width, tol));
    if (single) CHECK(all_are(out + j * width, width, 77));
    if (rows && !single) CHECK(near_rows(weights + j * net->count, weight, net->count, tol));
    answered += !single;
  }
  CHECK(!first);
  none_expected = 0;
  CHECK(!wrong);
  wrong = 0;
  return answered;
}

/* which separations keep sums, and so project by a BLAS, too */
static int keeps_sums(int which) { return which == 0 || which == 4 || sep_is_unbounded(which); }

static const size_t counts[] = {1, 5, 70, 1024, 1025, 2100}, batches[] = {8, 9, 44}, dims[] = {1, 3, 24};

TEST(batch_is_its_queries_alone) {
  int s, round;
  for (s = 0; s < SEPS; s++)
    for (round = 0; round < 12; round++) {
      hfy_rng rng = hfy_rng_seed((uint64_t)(100 * s + round));
      size_t N = counts[below(&rng, COUNT(counts))], D = dims[below(&rng, COUNT(dims))];
      size_t B = batches[below(&rng, COUNT(batches))], j;
      int p = (int)below(&rng, POSTS), rows = below(&rng, 4) == 0, dots;
      unsigned options = (unsigned)below(&rng, 64);
      const char *sep, *post;
      if (!MINE(round / 4 + s)) continue;
      if (N < 2) N = s == 2 || s == 7 || s == 11 || s == 12 || s == 17 ? 5 : N; /* budgets need room */
      if (p == 2 || (sep_is_unbounded(s) && !post_is_bounded(p))) p = 3; /* SIGN jumps */
      if (p == 6) D = 24; /* its variance needs a row of two */
      make(&f, (uint64_t)(7000 + 100 * s + round), N, D, B);
      sep = use_sep(&f, s);
      post = use_post(&f, p);
      with_options(&f, options);
      for (j = 0; j < B && f.net.visible; j++) f.visible[j] = f.visible[j] < 3 ? hfy_base_min_(3, N) : f.visible[j];
      if (f.net.sep.upper) f.net.visible = NULL; /* bounds could not be met */
      f.net.sim = (hfy_sim)(round % 4);
      if (s == 16 && f.net.sim < HFY_SIM_EUCLIDEAN) f.net.beta = 0.3;
      if (below(&rng, 2) && !sep_is_unbounded(s)) f.net.max_steps = 2;
      dots = f.net.sim == HFY_SIM_DOT || f.net.sim == HFY_SIM_COSINE;
      CHECK(as_alone(B, rows, f.net.max_steps > 1 ? 50 * tolerance : tolerance) == B);
      if (N > 1 && D > 1) {
        CHECK((calls[SCORES] > 0) == dots);
        CHECK((calls[PROJECTIONS] > 0) == (keeps_sums(s) && !rows));
      }
      show(sep, post, (int)options);
    }
}

/* strides of keys, values and readout; several tiles of queries and blocks of keys; the last tile is a small one */
TEST(tiles_and_strides) {
  enum { N = 2100, D = 5, B = 516, STRIDE = D + 3 };
  static hfy_real keys[N * STRIDE], values[N * STRIDE], q[B * D], out[B * D], one[D];
  hfy_rng rng = hfy_rng_seed(31);
  size_t j, expected;
  int which;
  normals(&rng, keys, N * STRIDE, 1);
  normals(&rng, values, N * STRIDE, 1);
  normals(&rng, q, B * D, 1);
  for (which = 0; which < 6; which++) {
    hfy_net net;
    memset(&net, 0, sizeof net);
    net.dim = D;
    net.count = N;
    net.keys = keys;
    net.key_stride = STRIDE;
    if (which % 3) net.values = values;
    if (which % 3) net.value_stride = STRIDE;
    if (which % 3 == 2) {
      net.readout = values;
      net.readout_dim = D - 1;
      net.readout_stride = STRIDE;
    }
    net.sep.kind = which < 3 ? HFY_SEP_SOFTMAX : HFY_SEP_SPARSEMAX;
    count_anew();
    CHECK(hfy_retrieve(&net, q, B, out, NULL, &work) == HFY_OK);
    expected = which < 3 ? 2 * 3 : 0; /* two tiles of 256 that meet 3 blocks of 1024; 4 queries are left */
    CHECK(calls[PROJECTIONS] == expected);
    CHECK(which < 3 ? calls[SCORES] == expected : calls[SCORES] > 0);
    CHECK(!wrong);
    for (j = 0; j < B; j++) {
      size_t width = net.readout ? net.readout_dim : D;
      CHECK(hfy_retrieve(&net, q + j * D, 1, one, NULL, &work) == HFY_OK);
      CHECK(near_rows(out + j * width, one, width, tolerance));
    }
  }
}

/* However many workers share them, 8 queries and more reach the BLAS; so do whole rows that are long. */
TEST(workers_share_queries_and_keys) {
  enum { LONG = 2 * 1024 * 1024 / 8 / sizeof(hfy_real) + 100, D = 2 };
  static hfy_real keys[LONG * D], q[300 * D], out[300 * D], one[D];
  static const size_t few[] = {8, 9, 15, 16, 31, 32, 33, 64, 300};
  size_t *support = (size_t *)malloc(300 * sizeof *support), b, j, step;
  hfy_rng rng = hfy_rng_seed(32);
  hfy_report report;
  int which, rows;
  memset(&report, 0, sizeof report);
  report.support = support;
  normals(&rng, keys, LONG * D, 1);
  normals(&rng, q, 300 * D, 1);
  for (which = 0; which < 12 && support; which++)
    for (b = 0; b < COUNT(few); b++)
      for (rows = 0; rows < 2; rows++) {
        hfy_net net;
        memset(&net, 0, sizeof net);
        net.dim = D;
        net.count = which % 3 == 0 ? 100 : which % 3 == 1 ? 2000 : LONG;
        if (!MINE(which / 3 + (int)b)) continue;
        if (net.count == LONG && few[b] > (rows ? 9 : 33)) continue;
        net.keys = keys;
        net.sep.kind = which < 6 ? HFY_SEP_SOFTMAX : HFY_SEP_SPARSEMAX;
        workers = which % 2 ? 3 : 8;
        count_anew();
        CHECK(hfy_retrieve(&net, q, few[b], out, rows ? &report : NULL, &work) == HFY_OK);
        CHECK(calls[SCORES] > 0);
        CHECK((calls[PROJECTIONS] > 0) == (which < 6 && !rows));
        workers = 1;
        step = net.count == LONG ? 5 : 1;
        for (j = 0; j < few[b]; j += step) {
          CHECK(hfy_retrieve(&net, q + j * D, 1, one, NULL, &work) == HFY_OK);
          CHECK(near_rows(out + j * D, one, D, tolerance));
        }
      }
  free(support);
  CHECK(!wrong);
}

/* fewer than 8 queries, and more once fewer than 8 still walk: the bits of each alone */
TEST(few_queries_make_no_call) {
  size_t B, j;
  int s;
  for (s = 0; s < SEPS; s++)
    for (B = 1; B < 8; B++) {
      hfy_real out[MAX_D];
      make(&f, (uint64_t)(50 + s), 70, 24, 8);
      use_sep(&f, s);
      f.net.post.kind = HFY_POST_L2;
      f.net.max_steps = 3;
      f.net.sim = B % 2 ? HFY_SIM_DOT : HFY_SIM_COSINE;
      none_expected = 1;
      CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, NULL, &work) == HFY_OK);
      for (j = 0; j < B; j++) {
        CHECK(hfy_retrieve(&f.net, f.queries + j * 24, 1, out, NULL, &work) == HFY_OK);
        CHECK(same_bits(out, f.out + j * 24, sizeof out));
      }
      none_expected = 0;
      CHECK(!wrong);
      wrong = 0;
    }
}

/* Rows that every mask hides hold NaN and infinities in keys, values and readout. */
TEST(masked_rows_may_hold_anything) {
  int s, way, round = 0;
  for (s = 0; s < SEPS; s++)
    for (way = 0; way < 12; way++, round++) {
      size_t N = way % 2 ? 1300 : 60, D = 7, B = 20, i, d, j;
      hfy_real bad = way % 3 ? not_a_number() : (hfy_real)HUGE_VAL;
      make(&f, (uint64_t)(9000 + round), N, D, B);
      use_sep(&f, s);
      if (f.net.sep.upper || !MINE(s + way)) continue;
      f.net.sim = (hfy_sim)(way / 3);
      with_options(&f, (unsigned)(way % 4));
      if (sep_is_unbounded(s)) f.net.beta = 0.5;
      if (way / 2 % 2) {
        f.net.visible = f.visible;
        for (j = 0; j < B; j++) f.visible[j] = N / 2 - j;
      } else {
        f.net.bias = f.bias;
        f.net.bias_stride = way % 4 ? N : 0;
      }
      for (i = 0; i < N; i++) {
        if (f.net.visible ? i < N / 2 : i % 5 != 2) continue;
        for (d = 0; d < D; d++) f.keys[i * D + d] = f.values[i * D + d] = bad;
        for (d = 0; d < 3; d++) f.readout[i * 3 + d] = bad;
        for (j = 0; j < B; j++) f.bias[j * N + i] = (hfy_real)-HUGE_VAL;
      }
      CHECK(as_alone(B, way == 7, tolerance) == B);
      show("masked", "", way);
    }
}

/* What is wrong with one query stays with it. */
TEST(errors_are_those_of_each_query) {
  int s, way;
  for (s = 0; s < SEPS; s++)
    for (way = 0; way < 6; way++) {
      size_t N = 40, D = 6, B = 20, lost = 1;
      make(&f, (uint64_t)(600 + s), N, D, B);
      use_sep(&f, s);
      if (f.net.sep.upper) continue;
      f.net.sim = way == 1 ? HFY_SIM_COSINE : HFY_SIM_DOT;
      f.net.visible = f.visible;
      for (f.visible[0] = N; lost < B; lost++) f.visible[lost] = N - lost % 3;
      lost = 1;
      if (way < 2) f.queries[5 * D + 2] = not_a_number();
      if (way == 2) f.queries[3 * D] = (hfy_real)HUGE_VAL;
      if (way == 3) f.visible[11] = 0;
      if (way == 4) f.keys[(N - 1) * D + 1] = not_a_number(); /* hidden from all but each third */
      if (way == 4) lost = 7;
      if (way == 5) {
        f.queries[4 * D + 1] = not_a_number();
        f.visible[9] = 0;
        lost = 2;
      }
      CHECK(as_alone(B, s % 2, tolerance) == B - lost);
      show("one query", "", way);
    }
  /* errors of the call */
  make(&f, 1, 10, 4, 20);
  count_anew();
  f.net.sep.kind = HFY_SEP_ENTMAX;
  f.net.sep.alpha = -1;
  CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 20, f.out, NULL, &work), HFY_ERR_ARG, &work, "alpha");
  CHECK(!calls[SCORES] && !calls[PROJECTIONS]);
}

/* Scores beyond the range of hfy_real, cosines of vectors too long or too short for their squares. */
TEST(range) {
  int way, s;
  for (way = 0; way < 4; way++)
    for (s = 0; s < 3; s++) {
      size_t N = 30, D = 5, B = 12, i;
      double huge = sqrt(REAL_MAX) * 100, size = way % 2 ? 1 / huge : huge;
      make(&f, (uint64_t)(40 + way), N, D, B);
      use_sep(&f, s == 2 ? 7 : s);
      f.net.sim = way < 2 ? HFY_SIM_COSINE : HFY_SIM_DOT;
      f.net.values = f.values;
      for (i = 0; i < N * D; i++) f.keys[i] = (hfy_real)(size * (double)f.keys[i]);
      for (i = 0; i < B * D; i++) f.queries[i] = (hfy_real)(size * (double)f.queries[i]);
      CHECK(as_alone(B, 0, tolerance) == (way == 2 ? 0 : B));
    }
}

TEST(scores_energies_index_shards) {
  static hfy_real scores[20 * 300], one[300];
  static unsigned char memory[300 * 200], partial[2][40000];
  static double energy[20];
  hfy_index index;
  double single;
  size_t N = 300, D = 17, B = 20, j, i;
  int sim, s;
  for (sim = 0; sim < 4; sim++) { /* the public scores */
    make(&f, (uint64_t)(70 + sim), N, D, B);
    count_anew();
    CHECK(hfy_sim_scores((hfy_sim)sim, 0.7, f.keys, N, D, 0, f.queries, B, scores, &work) == HFY_OK);
    CHECK((calls[SCORES] > 0) == (sim == HFY_SIM_DOT || sim == HFY_SIM_COSINE));
    for (j = 0; j < B; j++) {
      CHECK(hfy_sim_scores((hfy_sim)sim, 0.7, f.keys, N, D, 0, f.queries + j * D, 1, one, &work) == HFY_OK);
      CHECK(near_rows(scores + j * N, one, N, tolerance));
    }
  }
  for (s = 0; s < 3; s++) {
    make(&f, (uint64_t)(80 + s), N, D, B);
    use_sep(&f, s == 2 ? 6 : s);
    CHECK(hfy_energy(&f.net, f.queries, B, energy, &work) == HFY_OK);
    for (j = 0; j < B; j++) {
      CHECK(hfy_energy(&f.net, f.queries + j * D, 1, &single, &work) == HFY_OK);
      CHECK_NEAR(energy[j], single, tolerance);
    }
    /* a prepared memory */
    CHECK(hfy_index_build(f.keys, N, D, 0, NULL, memory, sizeof memory, &index, &work) == HFY_OK);
    f.net.index = &index;
    CHECK(as_alone(B, 0, tolerance) == B);
    f.net.index = NULL;
    /* two slices, merged */
    for (i = 0; i < 2; i++) {
      hfy_net slice = f.net;
      size_t half = N / 2;
      slice.count = half;
      slice.keys += i * half * D;
      CHECK(hfy_shard_find(&slice, i * half, f.queries, B, N, partial[i], sizeof partial[i], &work) == HFY_OK || s);
    }
    if (hfy_shard_bytes(&f.net, B, 64) <= sizeof partial[0]) {
      CHECK(hfy_shard_merge(partial[0], sizeof partial[0], partial[1], sizeof partial[1], &work) == HFY_OK);
      CHECK(hfy_shard_finish(&f.net, f.queries, B, partial[0], sizeof partial[0], scores, NULL, &work) == HFY_OK);
      CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, NULL, &work) == HFY_OK);
      CHECK(near_rows(scores, f.out, B * D, tolerance));
    }
  }
  CHECK(!wrong);
}

/* Rows so long that a cache holds few: whole, and in two slices. */
TEST(wide_rows) {
  enum { N = 400, D = 700, B = 20 };
  static hfy_real keys[N * D], q[B * D], out[B * D], merged[B * D], one[D];
  static unsigned char partial[2][B * (D * sizeof(hfy_real) + 100) + 1000];
  hfy_rng rng = hfy_rng_seed(33);
  hfy_net net;
  size_t i, j;
  normals(&rng, keys, N * D, 0.1);
  normals(&rng, q, B * D, 0.1);
  memset(&net, 0, sizeof net);
  net.dim = D;
  net.count = N;
  net.keys = keys;
  net.beta = 3;
  CHECK(hfy_retrieve(&net, q, B, out, NULL, &work) == HFY_OK);
  for (i = 0; i < 2; i++) {
    hfy_net slice = net;
    slice.count = i ? N - N / 5 : N / 5;
    slice.keys += i * (N / 5) * D;
    CHECK(hfy_shard_find(&slice, i * (N / 5), q, B, 0, partial[i], sizeof partial[i], &work) == HFY_OK);
  }
  CHECK(hfy_shard_merge(partial[0], sizeof partial[0], partial[1], sizeof partial[1], &work) == HFY_OK);
  CHECK(hfy_shard_finish(&net, q, B, partial[0], sizeof partial[0], merged, NULL, &work) == HFY_OK);
  for (j = 0; j < B; j++) {
    CHECK(hfy_retrieve(&net, q + j * D, 1, one, NULL, &work) == HFY_OK);
    CHECK(near_rows(out + j * D, one, D, 100 * REAL_EPS));
    CHECK(near_rows(merged + j * D, one, D, 100 * REAL_EPS));
  }
  CHECK(!wrong);
}

/* --- linear algebra --- */

static size_t at(hfy_linalg_view_ v, size_t i, size_t j) { return i * v.row + j * v.col; }

/* rows or columns together, a matrix of one line, strides that no BLAS takes */
static hfy_linalg_view_ some_view(hfy_rng *rng, const void *x, size_t rows, size_t columns) {
  hfy_linalg_view_ v = {x, 1, 1};
  switch (below(rng, 4)) {
  case 0: v.row = columns + below(rng, 3); break;
  case 1: v.col = rows + below(rng, 3); break;
  case 2:
    v.row = 2 * columns + 1;
    v.col = 2;
    break;
  default:
    v.row = 3;
    v.col = 3 * rows;
  }
  return v;
}

enum { SIDE = 20, ROOM = 6 * SIDE * SIDE };
#define MULTIPLIES(name, real, product, eps)                                                                      \
  TEST(name) {                                                                                                    \
    static real a[ROOM], b[ROOM], c[ROOM], was[ROOM];                                                             \
    size_t t, i, j, l, m, n, k, stride, scratch = hfy_linalg_gemm_scratch_(SIDE, SIDE, SIDE, sizeof(real));       \
    real *room = (real *)malloc(scratch * sizeof(real));                                                          \
    hfy_rng rng = hfy_rng_seed(17);                                                                               \
    for (i = 0; i < ROOM; i++) {                                                                                  \
      a[i] = (real)bell(&rng);                                                                                    \
      b[i] = (real)bell(&rng);                                                                                    \
    }                                                                                                             \
    for (t = 0; t < 600 && room; t++) {                                                                           \
      hfy_linalg_view_ x, y;                                                                                      \
      hfy_linalg_into_ into;                                                                                      \
      double worst = 0;                                                                                           \
      m = below(&rng, SIDE);                                                                                      \
      n = below(&rng, SIDE);                                                                                      \
      k = below(&rng, SIDE);                                                                                      \
      x = some_view(&rng, a, m, k);                                                                               \
      y = some_view(&rng, b, k, n);                                                                               \
      stride = n + below(&rng, 3);                                                                                \
      for (i = 0; i < ROOM; i++) was[i] = c[i] = (real)(t % 3 ? bell(&rng) : 1e30);                 \
      into = hfy_linalg_set_(c, stride);                                                                          \
      into.over = t % 3 == 0;                                                                                     \
      into.minus = t % 3 == 2;                                                                                    \
      product(hfy_simd_of_(HFY_ISA_BEST), m, n, k, x, y, into, room);                                             \
      for (i = 0; i < ROOM; i++) {                                                                                \
        double sum = 0;                                                                                           \
        size_t row = stride ? i / stride : 0;                                                                     \
        j = stride ? i % stride : 0;                                                                              \
        if (!stride || row >= m || j >= n) {                                                                      \
          CHECK(same_bits(c + i, was + i, sizeof *c));                                                            \
          continue;                                                                                               \
        }                                                                                                         \
        for (l = 0; l < k; l++) sum += (double)a[at(x, row, l)] * (double)b[at(y, l, j)];                         \
        sum = (t % 3 == 2 ? -sum : sum) + (t % 3 ? (double)was[i] : 0);                                           \
        worst = fabs((double)c[i] - sum) > worst ? fabs((double)c[i] - sum) : worst;                              \
      }                                                                                                           \
      CHECK(worst < 400 * (eps));                                                                                 \
    }                                                                                                             \
    free(room);                                                                                                   \
    CHECK(!wrong);                                                                                                \
  }
MULTIPLIES(products_in_double, double, hfy_linalg_multiply_, DBL_EPSILON)
MULTIPLIES(products_in_float, float, hfy_linalg_multiply_float_, (double)FLT_EPSILON)

TEST(a_matrix_and_a_vector) {
  static double a[ROOM], x[SIDE], y[SIDE], was[SIDE];
  hfy_rng rng = hfy_rng_seed(18);
  size_t t, i, l;
  for (i = 0; i < ROOM; i++) a[i] = bell(&rng);
  for (t = 0; t < 600; t++) {
    size_t m = below(&rng, SIDE), k = below(&rng, SIDE);
    hfy_linalg_view_ v = some_view(&rng, a, m, k);
    hfy_linalg_into_ into = t % 3 == 0   ? hfy_linalg_set_(y, 1)
                            : t % 3 == 1 ? hfy_linalg_add_(y, 1)
                                         : hfy_linalg_less_(y, 1);
    if (v.col != 1 && v.row != 1) v.row = k, v.col = 1; /* one of them must be 1 */
    for (i = 0; i < SIDE; i++) {
      x[i] = bell(&rng);
      was[i] = y[i] = t % 3 ? bell(&rng) : 1e300;
    }
    hfy_linalg_apply_(hfy_simd_of_(HFY_ISA_BEST), m, k, v, x, into);
    for (i = 0; i < SIDE; i++) {
      double sum = 0;
      for (l = 0; l < k && i < m; l++) sum += a[at(v, i, l)] * x[l];
      sum = (t % 3 == 2 ? -sum : sum) + (t % 3 ? was[i] : 0);
      CHECK_NEAR(y[i], i < m ? sum : was[i], i < m ? 400 * DBL_EPSILON : 0);
    }
  }
}

/* what is built on products: A = U S V^T, A A^+ A = A, eigenvectors */
TEST(decompositions) {
  enum { M = 30, N = 23 };
  static double a[M * N], g[M * M], values[M], left[N * M], right[N * N], inverse[N * M], vectors[M * M];
  hfy_rng rng = hfy_rng_seed(19);
  size_t i, j, k, l, rank;
  for (i = 0; i < M * N; i++) a[i] = bell(&rng);
  CHECK(hfy_linalg_svd(a, M, N, values, left, right, &work) == HFY_OK);
  CHECK(hfy_linalg_pinv(a, M, N, 0, inverse, &rank, &work) == HFY_OK && rank == N);
  for (i = 0; i < M; i++)
    for (j = 0; j < N; j++) {
      double sum = 0, twice = 0;
      for (k = 0; k < N; k++) sum += values[k] * left[k * M + i] * right[k * N + j];
      for (k = 0; k < N; k++)
        for (l = 0; l < M; l++) twice += a[i * N + k] * inverse[k * M + l] * a[l * N + j];
      CHECK_NEAR(sum, a[i * N + j], 1e-12);
      CHECK_NEAR(twice, a[i * N + j], 1e-12);
    }
  for (i = 0; i < M; i++)
    for (j = 0; j < M; j++)
      for (g[i * M + j] = 0, k = 0; k < N; k++) g[i * M + j] += a[i * N + k] * a[j * N + k];
  CHECK(hfy_linalg_eigen(g, M, values, vectors, &work) == HFY_OK);
  for (i = 0; i < M; i++)
    for (j = 0; j < M; j++) {
      double sum = 0;
      for (k = 0; k < M; k++) sum += g[i * M + k] * vectors[j * M + k];
      CHECK_NEAR(sum, values[j] * vectors[j * M + i], 1e-11);
    }
  CHECK(!wrong);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(batch_is_its_queries_alone);
  RUN(tiles_and_strides);
  RUN(workers_share_queries_and_keys);
  RUN(few_queries_make_no_call);
  RUN(masked_rows_may_hold_anything);
  RUN(errors_are_those_of_each_query);
  RUN(range);
  RUN(scores_energies_index_shards);
  RUN(wide_rows);
  RUN(products_in_double);
  RUN(products_in_float);
  RUN(a_matrix_and_a_vector);
  RUN(decompositions);
  hfy_work_free(&work);
  return CHECK_END();
}
