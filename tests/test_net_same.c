/* test_net_same.c: what gives the same bits: batches, strides, one pass and whole rows; every field of a report; what
   a net refuses. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "nets.h"

/* softmax and exp keep running sums unless whole rows of weights are asked for: then answers agree up to rounding */
static int runs_sums(int which) { return which == 0 || which == 4 || which == 16; }

/* --- bits --- */

static void everything(hfy_report *r, hfy_status *status, size_t *whole, double *numbers, hfy_real *reals, size_t B,
                       size_t N, size_t T, size_t top) {
  memset(r, 0, sizeof *r);
  r->status = status;
  r->best = whole;
  r->support = whole + B;
  r->steps = whole + 2 * B;
  r->top_index = whole + 3 * B;
  r->residual = numbers;
  r->energy = numbers + B;
  r->top = top;
  r->top_weight = reals;
  r->weights = reals + B * top;
  (void)N, (void)T;
}

/* Queries that see one fold of the rows, two, or all: alone as in a batch whose tile goes through more of them. */
TEST(what_others_see_changes_no_bit) {
  enum { N = 1500, D = 8, B = 7 };
  static hfy_real keys[N * D], q[B * D], out[B * D], alone[D];
  static const size_t visible[B] = {1, 100, 512, 513, 1024, 1100, N};
  hfy_rng rng = hfy_rng_seed(31);
  size_t j, round;
  normals(&rng, keys, N * D, 1);
  normals(&rng, q, B * D, 2);
  for (round = 0; round < 8; round++) {
    hfy_net net;
    memset(&net, 0, sizeof net);
    net.count = N;
    net.dim = D;
    net.keys = keys;
    net.visible = visible;
    net.max_steps = 1 + round % 4;
    if (round & 1) net.readout = keys, net.readout_dim = D;
    if (round & 4) net.sep.kind = HFY_SEP_EXP, net.post.kind = HFY_POST_L2;
    if (round & 4) net.readout = NULL, net.readout_dim = 0;
    CHECK(hfy_retrieve(&net, q, B, out, NULL, NULL) == HFY_OK);
    for (j = 0; j < B; j++, net.visible++) {
      CHECK(hfy_retrieve(&net, q + j * D, 1, alone, NULL, NULL) == HFY_OK);
      CHECK(same_bits(alone, out + j * D, sizeof alone));
    }
  }
}

/* Batches behind a mask, ragged and causal, some weights 0, whatever scratch held before: each query as if alone. What it
   does not see may be anything. */
TEST(a_mask_leaves_what_is_alone) {
  enum { N = 700, B = 70, MOST = 160 };
  static hfy_real keys[N * MOST], readout[N * MOST], q[B * MOST], out[B * MOST], alone[MOST];
  hfy_rng rng = hfy_rng_seed(92);
  size_t j, isa, round, visible[B];
  for (round = 0; round < 160; round++)
    for (isa = HFY_ISA_SCALAR; isa <= HFY_ISA_NEON; isa++) {
      const size_t dim = round % 3 ? 1 + below(&rng, MOST) : 16 * (1 + below(&rng, 10)), width = 1 + below(&rng, MOST);
      const size_t n = 1 + below(&rng, round % 4 ? 150 : N), nq = 1 + below(&rng, B);
      hfy_work work, poor;
      hfy_net net;
      hfy_status status;
      memset(&work, 0, sizeof work);
      memset(&poor, 0, sizeof poor);
      memset(&net, 0, sizeof net);
      work.isa = poor.isa = (hfy_isa)isa;
      normals(&rng, keys, n * dim, 1);
      normals(&rng, q, nq * dim, 1);
      normals(&rng, readout, n * width, 1);
      for (j = 0; j < nq; j++) visible[j] = round % 2 ? 1 + below(&rng, n) : j * n / nq + 1;
      if (round % 5 == 4 && n > 1) { /* nobody sees the last */
        keys[(n - 1) * dim] = (hfy_real)(round % 2 ? HUGE_VAL : (double)NAN);
        readout[(n - 1) * width] = (hfy_real)HUGE_VAL;
        for (j = 0; j < nq; j++)
          if (visible[j] == n) visible[j]--;
      }
      net.count = n, net.dim = dim, net.readout_dim = width, net.keys = keys, net.readout = readout;
      net.visible = visible;
      net.beta = exp(4 * hfy_rng_normal(&rng)) / sqrt((double)dim);
      status = hfy_retrieve(&net, q, nq, out, NULL, &work);
      if (status == HFY_ERR_UNSUPPORTED) continue;
      CHECK(status == HFY_OK);
      poor.capacity = work.peak;
      poor.buffer = malloc(work.peak);
      memset(poor.buffer, round % 2 ? 0xFF : 0x7F, work.peak); /* NaN, large */
      memset(out, 0, sizeof out);
      CHECK(hfy_retrieve(&net, q, nq, out, NULL, &poor) == HFY_OK);
      for (j = 0; j < nq; j++) {
        net.visible = visible + j;
        CHECK(hfy_retrieve(&net, q + j * dim, 1, alone, NULL, &work) == HFY_OK);
        CHECK(same_bits(alone, out + j * width, width * sizeof *alone));
      }
      free(poor.buffer);
      hfy_work_free(&work);
    }
}

/* Groups of queries that see nothing, of a whole batch or behind a mask of -infinity, whatever scratch held before: no
   answer, and nothing written; with a null pattern 0. The others answer as if alone. */
TEST(queries_that_see_nothing) {
  enum { N = 600, B = 70, MOST = 40 };
  static hfy_real keys[N * MOST], readout[N * MOST], q[B * MOST], out[B * MOST], alone[MOST], bias[B * N];
  hfy_rng rng = hfy_rng_seed(93);
  size_t i, j, isa, round, visible[B], blind[B];
  for (round = 0; round < 96; round++)
    for (isa = HFY_ISA_SCALAR; isa <= HFY_ISA_NEON; isa++) {
      const size_t dim = 1 + below(&rng, MOST), width = 1 + below(&rng, MOST), n = 1 + below(&rng, round % 4 ? 90 : N);
      const size_t nq = 1 + below(&rng, B), end = nq / 2;
      const int all = round % 8 == 7, masked = round % 2;
      hfy_status status, wanted = HFY_OK;
      hfy_work work, poor;
      hfy_net net;
      memset(&work, 0, sizeof work);
      memset(&poor, 0, sizeof poor);
      memset(&net, 0, sizeof net);
      work.isa = poor.isa = (hfy_isa)isa;
      normals(&rng, keys, n * dim, 1);
      normals(&rng, q, nq * dim, 1);
      normals(&rng, readout, n * width, 1);
      for (j = 0; j < nq; j++) {
        blind[j] = all || (j >= end ? j < end + 20 : below(&rng, 4) == 0);
        visible[j] = masked ? n : blind[j] ? 0 : 1 + below(&rng, n);
        for (i = 0; i < n; i++) bias[j * n + i] = (hfy_real)(blind[j] || i % 5 == 4 ? -HUGE_VAL : 0.25);
      }
      net.count = n, net.dim = dim, net.readout_dim = width, net.keys = keys, net.readout = readout;
      net.null_pattern = round % 3 == 2;
      for (j = 0; j < nq && !net.null_pattern; j++)
        if (blind[j]) wanted = HFY_ERR_ARG;
      net.visible = visible;
      if (masked) net.bias = bias, net.bias_stride = n;
      status = hfy_retrieve(&net, q, nq, out, NULL, &work);
      if (status == HFY_ERR_UNSUPPORTED) continue;
      poor.capacity = work.peak;
      poor.buffer = malloc(work.peak);
      memset(poor.buffer, round % 2 ? 0xFF : 0x7F, work.peak); /* NaN, large */
      for (i = 0; i < nq * width; i++) out[i] = 77;
      CHECK(status == wanted && hfy_retrieve(&net, q, nq, out, NULL, &poor) == wanted);
      for (j = 0; j < nq; j++) {
        for (i = 0; i < width; i++) alone[i] = blind[j] ? net.null_pattern ? (hfy_real)0 : (hfy_real)77 : (hfy_real)55;
        net.visible = visible + j;
        if (masked) net.bias = bias + j * n;
        if (!blind[j]) CHECK(hfy_retrieve(&net, q + j * dim, 1, alone, NULL, &work) == HFY_OK);
        CHECK(same_bits(alone, out + j * width, width * sizeof *alone));
      }
      free(poor.buffer);
      hfy_work_free(&work);
    }
}

/* Some weights of a batch vanish, and nothing foretells which: rows that a query has no weight for may hold infinity,
   a sum of -0 stays -0, and one that cancels is +0. */
TEST(weights_that_vanish_here_and_there) {
  enum { N = 300, B = 19, MOST = 70 };
  static hfy_real keys[N * MOST], readout[N * MOST], q[B * MOST], out[B * MOST], alone[MOST];
  hfy_rng rng = hfy_rng_seed(91);
  size_t i, j, isa, dim, round;
  for (isa = HFY_ISA_SCALAR; isa <= HFY_ISA_NEON; isa++)
    for (dim = 7; dim <= MOST; dim += 21)
      for (round = 0; round < 12; round++) {
        hfy_work work;
        hfy_net net;
        hfy_status status[B], one;
        hfy_report report;
        memset(&work, 0, sizeof work);
        memset(&net, 0, sizeof net);
        memset(&report, 0, sizeof report);
        work.isa = (hfy_isa)isa;
        report.status = status;
        normals(&rng, keys, N * dim, 1);
        normals(&rng, q, B * dim, 1);
        normals(&rng, readout, N * dim, 1);
        for (i = 0; i < N; i++) readout[i * dim] = (hfy_real)-0.0, readout[i * dim + 1] = (hfy_real)(i % 2 ? -1 : 1);
        for (i = 0; i < N; i += 16) /* hardly a query has a weight for it */
          for (j = 0; j < dim; j++) readout[i * dim + dim / 2] = (hfy_real)HUGE_VAL, keys[i * dim + j] /= 64;
        for (i = 0; i < N; i += 2) memcpy(keys + (i + 1) * dim, keys + i * dim, dim * sizeof *keys); /* 1 and -1 */
        net.count = N, net.dim = net.readout_dim = dim, net.keys = keys, net.readout = readout;
        net.beta = (double)(round % 6 + 1) * 8 / sqrt((double)dim);
        if (hfy_retrieve(&net, q, B, out, &report, &work) == HFY_ERR_UNSUPPORTED) continue;
        for (j = 0; j < B; j++) {
          one = hfy_retrieve(&net, q + j * dim, 1, alone, NULL, &work);
          CHECK(one == status[j]);
          if (!one) CHECK(same_bits(alone, out + j * dim, dim * sizeof *alone));
        }
        hfy_work_free(&work);
      }
}

/* Attention as it is used: many queries of short rows, what each sees in any order, NaN in rows that nobody sees. */
TEST(attention_in_a_batch_is_single_queries) {
  enum { N = 300, D = 32, W = 48, B = 150 };
  static hfy_real keys[N * D], values[N * W], q[B * D], out[B * W], alone[W];
  static size_t visible[B];
  hfy_rng rng = hfy_rng_seed(32);
  size_t j, i, round;
  normals(&rng, q, B * D, 1);
  for (round = 0; round < 12; round++) {
    const size_t all = round < 6 ? 140 : N;
    hfy_net net;
    memset(&net, 0, sizeof net);
    normals(&rng, keys, N * D, 1);
    normals(&rng, values, N * W, 1);
    for (j = 0; j < B; j++)
      visible[j] = round % 3 == 0 ? N : round % 3 == 1 ? j + 1 < all ? j + 1 : all : 1 + j * 37 % all;
    for (i = 0; round % 3 && all < N && i < D; i++) keys[all * D + i] = (hfy_real)strtod("nan", NULL);
    for (i = 0; round % 3 && all < N && i < W; i++) values[all * W + i] = (hfy_real)strtod("nan", NULL);
    net.count = N;
    net.dim = D;
    net.keys = keys;
    net.readout = values;
    net.readout_dim = W;
    net.visible = round % 3 ? visible : NULL;
    net.sep.kind = round % 4 == 3 ? HFY_SEP_SPARSEMAX : round % 4 == 2 ? HFY_SEP_EXP : HFY_SEP_SOFTMAX;
    if (round == 1 || round == 7) net.sim = HFY_SIM_COSINE, net.beta = 5; /* every query's own length */
    CHECK(hfy_retrieve(&net, q, B, out, NULL, NULL) == HFY_OK);
    for (j = 0; j < B; j += 1 + j % 3) {
      if (round % 3) net.visible = visible + j;
      CHECK(hfy_retrieve(&net, q + j * D, 1, alone, NULL, NULL) == HFY_OK);
      CHECK(same_bits(alone, out + j * W, sizeof alone));
    }
  }
}

enum { HEADS = 5, HEAD_ROWS = 40, HEAD_N = 50, HEAD_D = 32, HEAD_W = 20 };
typedef struct head_arrays {
  hfy_real keys[HEADS * HEAD_N * HEAD_D], values[HEADS * HEAD_N * HEAD_D], readout[HEADS * HEAD_N * HEAD_W];
  hfy_real bias[HEADS * HEAD_N], q[HEADS * HEAD_ROWS * HEAD_D], out[HEADS * HEAD_ROWS * HEAD_D];
  hfy_real want[HEAD_ROWS * HEAD_D];
  size_t visible[HEAD_ROWS];
} head_arrays;

/* Every head, in rows of all heads or one head behind the other, is a retrieval of its own to the bit. */
static void check_heads(head_arrays *a, size_t count, int apart, size_t round) {
  hfy_net net, one;
  hfy_heads heads;
  hfy_work work;
  size_t h, j, width = round % 2 ? HEAD_D : HEAD_W;
  memset(&net, 0, sizeof net), memset(&heads, 0, sizeof heads), memset(&work, 0, sizeof work);
  heads.count = count;
  net.dim = HEAD_D;
  net.count = HEAD_N;
  net.keys = a->keys;
  if (round % 2 && round % 5) net.values = a->values;
  if (round % 2 == 0) net.readout = a->readout, net.readout_dim = HEAD_W;
  if (round % 2) net.max_steps = 3;
  if (round % 3 == 1) net.sim = HFY_SIM_COSINE, net.beta = 5;
  if (round % 3 == 2) net.visible = a->visible;
  if (round % 4 > 1) net.sep.kind = HFY_SEP_ENTMAX;
  if (round % 7 > 3) net.bias = a->bias, heads.bias = HEAD_N;
  if (apart) {
    heads.queries = HEAD_ROWS * HEAD_D;
    heads.out = HEAD_ROWS * width;
    heads.keys = heads.values = HEAD_N * HEAD_D;
    heads.readout = HEAD_N * HEAD_W;
  }
  fill(a->out, HEADS * HEAD_ROWS * HEAD_D, 7);
  CHECK(hfy_retrieve_heads(&net, &heads, a->q, HEAD_ROWS, a->out, &work) == HFY_OK);
  for (h = 0; h < count; h++) {
    const size_t step = apart ? HEAD_N : 1, row = apart ? 1 : count;
    one = net;
    one.keys += h * step * HEAD_D;
    one.key_stride = row * HEAD_D;
    if (net.values) one.values += h * step * HEAD_D, one.value_stride = row * HEAD_D;
    if (net.readout) one.readout += h * step * HEAD_W, one.readout_stride = row * HEAD_W;
    if (net.bias) one.bias += h * HEAD_N;
    for (j = 0; j < HEAD_ROWS; j++) {
      const size_t at = apart ? h * HEAD_ROWS + j : j * count + h;
      if (net.visible) one.visible = a->visible + j;
      CHECK(hfy_retrieve(&one, a->q + at * HEAD_D, 1, a->want, NULL, &work) == HFY_OK);
      CHECK(same_bits(a->want, a->out + at * width, width * sizeof *a->want));
    }
  }
  CHECK(all_are(a->out + count * HEAD_ROWS * width, (HEADS * HEAD_D - count * width) * HEAD_ROWS, 7));
  hfy_work_free(&work);
}

TEST(heads_side_by_side) {
  static head_arrays a;
  hfy_rng rng = hfy_rng_seed(33);
  size_t j, round;
  normals(&rng, a.keys, HEADS * HEAD_N * HEAD_D, 1);
  normals(&rng, a.values, HEADS * HEAD_N * HEAD_D, 1);
  normals(&rng, a.readout, HEADS * HEAD_N * HEAD_W, 1);
  normals(&rng, a.bias, HEADS * HEAD_N, 1);
  normals(&rng, a.q, HEADS * HEAD_ROWS * HEAD_D, 1);
  for (j = 0; j < HEAD_ROWS; j++) a.visible[j] = j + 1;
  for (round = 0; round < 24; round++)
    check_heads(&a, round % 3 == 2 ? HEADS : 1 + round % 2, (int)(round / 2 % 2), round);
}

TEST(heads_that_cannot_be) {
  static head_arrays a;
  hfy_net net;
  hfy_heads heads;
  hfy_work work;
  hfy_index index;
  hfy_rng rng = hfy_rng_seed(34);
  const size_t all = HEADS * HEAD_ROWS * HEAD_D;
  size_t i;
  memset(&net, 0, sizeof net), memset(&heads, 0, sizeof heads), memset(&work, 0, sizeof work);
  memset(&index, 0, sizeof index);
  normals(&rng, a.keys, HEADS * HEAD_N * HEAD_D, 1);
  normals(&rng, a.q, all, 1);
  fill(a.out, all, 7);
  net.dim = HEAD_D, net.count = HEAD_N, net.keys = a.keys;
  heads.count = HEADS;
  CHECK_FAILS(hfy_retrieve_heads(NULL, &heads, a.q, 2, a.out, &work), HFY_ERR_ARG, &work, "net is NULL");
  CHECK_FAILS(hfy_retrieve_heads(&net, NULL, a.q, 2, a.out, &work), HFY_ERR_ARG, &work, "heads is NULL");
  CHECK_FAILS(hfy_retrieve_heads(&net, &heads, NULL, 2, a.out, &work), HFY_ERR_ARG, &work, "queries is NULL");
  CHECK(hfy_retrieve_heads(&net, &heads, NULL, 0, NULL, &work) == HFY_OK);
  heads.count = 0;
  CHECK_FAILS(hfy_retrieve_heads(&net, &heads, a.q, 2, a.out, &work), HFY_ERR_ARG, &work, "heads->count is 0");
  heads.count = SIZE_MAX / 8;
  CHECK_FAILS(hfy_retrieve_heads(&net, &heads, a.q, 2, a.out, &work), HFY_ERR_ARG, &work, "cannot exist");
  heads.count = HEADS;
  for (i = 0; i < 8; i++) { /* one of the arrays alone */
    hfy_heads far = heads;
    hfy_net one = net;
    size_t *const of[8] = {&far.queries, &far.out, &far.keys, &far.bias, &far.query_stride, &far.out_stride, &far.values,
                           &far.readout};
    *of[i] = SIZE_MAX / 4;
    if (i == 6) one.values = a.keys;
    if (i == 7) one.readout = a.keys, one.readout_dim = HEAD_D;
    CHECK_FAILS(hfy_retrieve_heads(&one, &far, a.q, 2, a.out, &work), HFY_ERR_ARG, &work, "cannot exist");
  }
  heads.query_stride = HEAD_D - 1;
  CHECK_FAILS(hfy_retrieve_heads(&net, &heads, a.q, 2, a.out, &work), HFY_ERR_ARG, &work, "query_stride is 31");
  heads.query_stride = 0, heads.out_stride = 7;
  CHECK_FAILS(hfy_retrieve_heads(&net, &heads, a.q, 2, a.out, &work), HFY_ERR_ARG, &work, "out_stride is 7");
  heads.out_stride = 0, heads.out = HEAD_D * HEAD_ROWS;
  CHECK_FAILS(hfy_retrieve_heads(&net, &heads, a.q, 2, a.q, &work), HFY_ERR_ARG, &work, "lie differently");
  heads.out = 0, net.index = &index;
  CHECK_FAILS(hfy_retrieve_heads(&net, &heads, a.q, 2, a.out, &work), HFY_ERR_ARG, &work, "5 heads");
  CHECK(all_are(a.out, all, 7));
  net.index = NULL;
  a.q[(3 * HEADS + 4) * HEAD_D] = (hfy_real)strtod("nan", NULL);
  a.q[(9 * HEADS + 2) * HEAD_D] = a.q[(8 * HEADS + 2) * HEAD_D + 3] = a.q[(3 * HEADS + 4) * HEAD_D];
  CHECK_FAILS(hfy_retrieve_heads(&net, &heads, a.q, HEAD_ROWS, a.out, &work), HFY_ERR_NONFINITE, &work,
              "head 2: query 8: NaN");
  for (i = 0; i < HEADS * HEAD_ROWS; i++)
    CHECK((a.out[i * HEAD_D] == 7) == (i == 3 * HEADS + 4 || i == 9 * HEADS + 2 || i == 8 * HEADS + 2));
  hfy_work_free(&work);
}

TEST(batch_is_single_queries_to_the_bit) {
  enum { N = 9, D = 7, B = 6, T = 4, TOP = 3 };
  fixture f;
  int s, p;
  for (s = 0; s < SEPS; s++)
    for (p = 0; p < POSTS; p += 1 + (s % 3)) {
      hfy_status status[B], one_status;
      size_t whole[B * (3 + TOP)], one_whole[3 + TOP], j, width = D;
      double numbers[B * (T + 2)], one_numbers[T + 2];
      hfy_real reals[B * (TOP + N)], one_reals[TOP + N], one[MAX_D];
      hfy_report all, single;
      const char *sep, *post;
      int energy;
      if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
      make(&f, (uint64_t)(5000 + 20 * s + p), N, D, B);
      sep = use_sep(&f, s);
      post = use_post(&f, p);
      f.net.max_steps = T;
      f.net.beta = 1.4;
      if (s % 4 == 1) {
        f.net.bias = f.bias;
        f.net.bias_stride = N;
      }
      if (s % 4 == 2) {
        f.net.readout = f.readout;
        f.net.readout_dim = width = 5;
      }
      if (p % 5 == 4) f.net.sim = (hfy_sim)(s % 4);
      energy = post_has_energy(p) && f.net.sim == HFY_SIM_DOT;
      memset(whole, 0, sizeof whole), memset(numbers, 0, sizeof numbers), memset(reals, 0, sizeof reals);
      memset(one_numbers, 0, sizeof one_numbers);
      everything(&all, status, whole, numbers, reals, B, N, T, TOP);
      everything(&single, &one_status, one_whole, one_numbers, one_reals, 1, N, T, TOP);
      if (!energy) all.energy = single.energy = NULL;
      CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &all, NULL) == HFY_OK);
      for (j = 0; j < B; j++) {
        hfy_net alone = f.net;
        if (alone.bias_stride) alone.bias += j * N;
        CHECK(hfy_retrieve(&alone, f.queries + j * D, 1, one, &single, NULL) == HFY_OK);
        CHECK(same_bits(one, f.out + j * width, width * sizeof *one));
        CHECK(one_status == status[j]);
        CHECK(one_whole[0] == whole[j] && one_whole[1] == whole[B + j] && one_whole[2] == whole[2 * B + j]);
        CHECK(same_bits(one_whole + 3, whole + 3 * B + j * TOP, TOP * sizeof *whole));
        CHECK(same_bits(one_numbers, numbers + j, sizeof *numbers));
        if (energy) CHECK(same_bits(one_numbers + 1, numbers + B + j * (T + 1), (T + 1) * sizeof *numbers));
        CHECK(same_bits(one_reals, reals + j * TOP, TOP * sizeof *reals));
        CHECK(same_bits(one_reals + TOP, reals + B * TOP + j * N, N * sizeof *reals));
      }
      show(sep, post, p);
    }
}

TEST(large_batch_is_single_queries_to_the_bit) {
  enum { N = 67, D = 45, B = 53 };
  static hfy_real keys[N * D], q[B * D], out[B * D], one[D];
  hfy_rng rng = hfy_rng_seed(8);
  hfy_net net;
  size_t j;
  int sim;
  normals(&rng, keys, N * D, 1);
  normals(&rng, q, B * D, 1);
  for (sim = 0; sim < 8; sim++) {
    memset(&net, 0, sizeof net);
    net.dim = D;
    net.count = N;
    net.keys = keys;
    net.max_steps = 3;
    net.sim = (hfy_sim)(sim % 4);
    net.sep.kind = sim < 4 ? HFY_SEP_SOFTMAX : HFY_SEP_SPARSEMAX;
    CHECK(hfy_retrieve(&net, q, B, out, NULL, NULL) == HFY_OK);
    for (j = 0; j < B; j++) {
      CHECK(hfy_retrieve(&net, q + j * D, 1, one, NULL, NULL) == HFY_OK);
      CHECK(same_bits(one, out + j * D, sizeof one));
    }
  }
}

/* Queries that come into the state of one row go on together: the same answers and reports as alone. Rows with zeros
   (SIGN then keeps a sign of the state before), values that send rows round in circles, every option that forbids it. */
TEST(queries_that_meet_go_where_each_would_alone) {
  enum { N = 11, D = 4, B = 330, T = 9, KINDS = 7 };
  static const int seps[KINDS] = {1, 6, 7, 9, 12, 17, 18};
  static hfy_real q[B * D], out[B * D], bias[B * N];
  static double residual[B];
  static size_t steps[B], support[B], best[B], cycle[B], visible[B];
  static hfy_status status[B];
  fixture f;
  size_t met = 0, walked = 0, j, i, d, width;
  int round, options;
  for (round = 0; round < 4 * KINDS; round++)
    for (options = 0; options < 8; options++) {
      hfy_rng rng = hfy_rng_seed((uint64_t)(900 + round * 8 + options));
      hfy_report report, single;
      hfy_status failed;
      hfy_net net;
      make(&f, (uint64_t)(100 + round), N, D, 2);
      for (i = 0; i < N * D; i++)
        f.keys[i] = (hfy_real)((double)(hfy_rng_u64(&rng) % 3) - 1) * (hfy_real)(1 + (round & 1));
      for (i = 0; i < N; i++)
        for (d = 0; d < D; d++) f.values[i * D + d] = f.keys[(i + 1 + (i & 1)) % N * D + d];
      use_sep(&f, seps[round % KINDS]);
      use_post(&f, round / KINDS == 1 ? 2 : round / KINDS == 2 ? 5 : options % 3 == 2 ? 2 : 0);
      net = f.net;
      net.beta = options & 1 ? 30 : 1.2;
      net.max_steps = T;
      if (options & 2) net.values = f.values;
      if (options == 4) {
        net.bias = bias;
        net.bias_stride = N;
      }
      if (options == 5) net.visible = visible;
      if (options == 6) net.self_coupling = f.self_coupling;
      if (options == 7) net.step = 0.5;
      if (round % 4 == 3 && options < 4) {
        net.readout = f.readout;
        net.readout_dim = 3;
      }
      width = net.readout ? 3 : D;
      for (i = 0; i < B * D; i++) q[i] = (hfy_real)hfy_rng_normal(&rng);
      normals(&rng, bias, B * N, 2);
      for (j = 0; j < B; j++) visible[j] = 1 + (size_t)(hfy_rng_u64(&rng) % N);
      if (options == 3) q[7 * D] = not_a_number();
      memset(&report, 0, sizeof report);
      report.status = status;
      report.steps = steps;
      report.support = support;
      report.best = best;
      report.cycle = cycle;
      report.residual = residual;
      failed = hfy_retrieve(&net, q, B, out, &report, NULL);
      for (j = 0; j < B && !status[j];) j++;
      CHECK(failed == (j < B ? status[j] : HFY_OK) && (options != 3 || (j <= 7 && status[7])));
      for (j = 0; j < B; j++) {
        hfy_net alone = net;
        hfy_real one[D];
        double one_residual;
        size_t one_steps, one_support, one_best, one_cycle;
        if (alone.visible) alone.visible += j;
        if (alone.bias) alone.bias += j * N;
        memset(&single, 0, sizeof single);
        single.steps = &one_steps;
        single.support = &one_support;
        single.best = &one_best;
        single.cycle = &one_cycle;
        single.residual = &one_residual;
        CHECK(hfy_retrieve(&alone, q + j * D, 1, one, &single, NULL) == status[j]);
        if (status[j]) continue;
        CHECK(same_bits(one, out + j * width, width * sizeof *one));
        CHECK(one_steps == steps[j] && one_support == support[j] && one_best == best[j]);
        CHECK(one_cycle == cycle[j] && same_bits(&one_residual, residual + j, sizeof one_residual));
        met += j && same_bits(out + j * width, out + (j - 1) * width, width * sizeof *out);
        walked += steps[j] > 3;
      }
    }
  CHECK(met > 8000 && walked > 8000); /* enough of them meet, and go on */
}

/* A query that ends early is answered out of the state its last step began with, as a single step from there would be. */
TEST(a_walk_that_ends_early_reads_its_last_step) {
  enum { N = 90, D = 12, WIDE = 9, B = 21, T = 60 };
  static const hfy_sep_kind kinds[] = {HFY_SEP_SOFTMAX, HFY_SEP_EXP, HFY_SEP_SPARSEMAX, HFY_SEP_POWER};
  hfy_real keys[N * D], readout[N * WIDE], q[B * D], out[B * WIDE], state[D], next[D], alone[WIDE];
  hfy_rng rng = hfy_rng_seed(94);
  size_t j, round, t, early = 0;
  for (round = 0; round < 40; round++) {
    hfy_work work;
    hfy_net net, step;
    memset(&work, 0, sizeof work);
    memset(&net, 0, sizeof net);
    normals(&rng, keys, N * D, 1);
    normals(&rng, readout, N * WIDE, 1);
    normals(&rng, q, B * D, 1);
    net.count = N, net.dim = D, net.readout_dim = WIDE, net.keys = keys, net.readout = readout;
    net.sep.kind = kinds[round % 4];
    if (net.sep.kind == HFY_SEP_EXP || net.sep.kind == HFY_SEP_POWER) net.post.kind = HFY_POST_L2;
    net.beta = 0.1 * (double)(1 + round), net.max_steps = T, net.tol = round % 3 ? 1e-3 : 0.02;
    CHECK(hfy_retrieve(&net, q, B, out, NULL, &work) == HFY_OK);
    step = net;
    step.max_steps = 1;
    for (j = 0; j < B; j++) {
      memcpy(state, q + j * D, sizeof state);
      for (t = 1;; t++) {
        double most = 0;
        size_t d;
        step.readout = NULL, step.readout_dim = 0;
        CHECK(hfy_retrieve(&step, state, 1, next, NULL, &work) == HFY_OK);
        for (d = 0; d < D; d++) most = fmax(most, fabs((double)next[d] - (double)state[d]));
        if (most <= net.tol || t == T) break;
        memcpy(state, next, sizeof state);
      }
      early += t < T;
      step.readout = readout, step.readout_dim = WIDE;
      CHECK(hfy_retrieve(&step, state, 1, alone, NULL, &work) == HFY_OK);
      CHECK(same_bits(alone, out + j * WIDE, sizeof alone));
    }
    hfy_work_free(&work);
  }
  CHECK(early > 400);
}

/* One query's walk over so many keys carries bounds of its scores from step to step: the bits of single steps, one
   after another, however it moves, with an index and without. Every kind comes three times with an index and three times
   without, every option with four kinds or more. */
TEST(a_walk_is_a_chain_of_single_steps) {
  enum { N = 4099, D = 256, B = 5, T = 7, ROUNDS = 42 };
  static hfy_real keys[N * (D + 3)], values[N * D], readout[N * 2], q[B * D], self[D], bias[N];
  static const hfy_sep_kind kinds[] = {HFY_SEP_SPARSEMAX, HFY_SEP_SPARSEMAX, HFY_SEP_ENTMAX,  HFY_SEP_NORMMAX,
                                       HFY_SEP_ARGMAX,    HFY_SEP_KSUBSETS,  HFY_SEP_KSUBSETS};
  static const double ks[] = {0, 0, 0, 0, 1, 3, 12};
  hfy_index_options options = {6, 0, 0, HFY_SIM_DOT};
  size_t bytes = hfy_index_size(N, D, &options), i, j, d, k, walked = 0, several = 0;
  void *memory = malloc(bytes);
  hfy_work littered;
  int round;
  double up[D + 3], down[D + 3];
  for (d = 0; d < D + 3; d++) {
    up[d] = sin(3 * (double)d / D);
    down[d] = cos(5 * (double)d / D);
  }
  memset(&littered, 0, sizeof littered);
  littered.capacity = (size_t)1 << 22;
  littered.buffer = malloc(littered.capacity);
  for (round = 0; round < ROUNDS; round++) {
    hfy_rng rng = hfy_rng_seed((uint64_t)(70 + round));
    hfy_real ends[B * D], out[B * 2];
    size_t steps[B], support[B], visible[B];
    hfy_report report;
    hfy_index index;
    hfy_net net;
    size_t stride = round % 5 == 4 ? D + 3 : D;
    if (!MINE(round / 7)) continue;
    memset(&net, 0, sizeof net);
    for (i = 0; i < N; i++) { /* few dimensions and noise; some rows far out, one the last of all */
      double a = hfy_rng_normal(&rng), b = hfy_rng_normal(&rng), far = i % 101 == 100 || i == N - 1 ? 1.5 : 1;
      for (d = 0; d < stride; d++) {
        double v = a * up[d] + b * down[d] + 1 + (hfy_rng_uniform(&rng) - 0.5);
        keys[i * stride + d] = (hfy_real)(far * v);
      }
    }
    for (i = 0; i < N; i++)
      for (d = 0; d < D; d++) values[i * D + d] = keys[(i * 7 + 1) % N * stride + d];
    normals(&rng, readout, N * 2, 1);
    normals(&rng, self, D, 0.05);
    normals(&rng, bias, N, 3);
    for (j = 0; j < B; j++) visible[j] = N - 60 * j;
    for (j = 0; j < B; j++)
      for (d = 0; d < D; d++)
        q[j * D + d] = (hfy_real)((double)keys[(j == 1 ? N - 1 : j * 211) * stride + d] + 0.6 * hfy_rng_normal(&rng));
    net.dim = D;
    net.count = N;
    net.keys = keys;
    net.key_stride = stride;
    net.beta = (round % 3 == 0 ? 0.3 : round % 3 == 1 ? 2 : 0.02) / 8;
    net.sep.kind = kinds[round % 7];
    net.sep.k = ks[round % 7];
    if (round % 4 == 1) {
      net.values = values;
      net.value_stride = D;
    }
    if (round % 4 == 2) net.step = 0.5;
    if (round % 4 == 3) net.post.kind = HFY_POST_L2;
    if (round % 8 == 6) net.self_coupling = self;
    if (round % 11 == 8) net.bias = bias;
    if (round % 11 == 9) net.visible = visible;
    options.prefix = round % 6 == 5 ? 6 : SIZE_MAX;
    if (round % 2) {
      CHECK(hfy_index_build(keys, N, D, stride, &options, memory, bytes, &index, NULL) == HFY_OK);
      net.index = &index;
    }
    net.max_steps = T;
    memset(&report, 0, sizeof report);
    report.steps = steps;
    report.support = support;
    CHECK(hfy_retrieve(&net, q, B, ends, &report, NULL) == HFY_OK);
    for (j = 0; j < B; j++) {
      hfy_net one = net, single, answers;
      hfy_real state[D], alone[D], last[2];
      size_t alone_steps, alone_support, one_support = 0;
      hfy_report of_one;
      memset(&of_one, 0, sizeof of_one);
      of_one.steps = &alone_steps;
      of_one.support = &alone_support;
      if (one.visible) one.visible += j;
      single = answers = one;
      memset(littered.buffer, 0x47, littered.capacity); /* large numbers where nothing was written */
      CHECK(hfy_retrieve(&one, q + j * D, 1, alone, &of_one, &littered) == HFY_OK);
      CHECK(same_bits(alone, ends + j * D, sizeof alone) && alone_steps == steps[j]);
      single.max_steps = 1;
      single.index = round % 8 == 7 ? net.index : NULL;
      of_one.support = &one_support;
      memcpy(state, q + j * D, sizeof state);
      for (k = 0; k < steps[j]; k++)
        CHECK(hfy_retrieve(&single, state, 1, state, &of_one, NULL) == HFY_OK);
      CHECK(same_bits(state, alone, sizeof state));
      CHECK(one_support == support[j] && one_support == alone_support);
      walked += steps[j] - 1;
      several += steps[j] > 3;
      /* the same states into a readout */
      answers.readout = readout;
      answers.readout_dim = 2;
      of_one.support = NULL;
      CHECK(hfy_retrieve(&answers, q + j * D, 1, out + 2 * j, &of_one, NULL) == HFY_OK);
      memcpy(state, q + j * D, sizeof state);
      for (k = 1; k < alone_steps; k++) CHECK(hfy_retrieve(&single, state, 1, state, NULL, NULL) == HFY_OK);
      answers.max_steps = 1;
      CHECK(hfy_retrieve(&answers, state, 1, last, NULL, NULL) == HFY_OK);
      CHECK(same_bits(last, out + 2 * j, sizeof last));
    }
  }
  if (!CHECK(walked > 700 / SHARES && several > 90 / SHARES)) printf("    walked %zu several %zu\n", walked, several);
  free(memory), free(littered.buffer);
}

TEST(out_may_be_the_queries) {
  fixture f;
  hfy_real in_place[MAX_B * MAX_D];
  int s, p;
  for (s = 0; s < SEPS; s++)
    for (p = 0; p < POSTS; p++) {
      const char *sep, *post;
      if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
      make(&f, (uint64_t)(6000 + 20 * s + p), 6, 4, 5);
      sep = use_sep(&f, s);
      post = use_post(&f, p);
      f.net.max_steps = 3;
      if (p % 3 == 0) {
        f.net.readout = f.readout;
        f.net.readout_dim = 4;
      }
      memcpy(in_place, f.queries, sizeof in_place);
      CHECK(hfy_retrieve(&f.net, f.queries, 5, f.out, NULL, NULL) == HFY_OK);
      CHECK(hfy_retrieve(&f.net, in_place, 5, in_place, NULL, NULL) == HFY_OK);
      CHECK(same_bits(in_place, f.out, 20 * sizeof *in_place));
      show(sep, post, 0);
    }
}

/* rows further apart than they are long: what lies between is never read */
TEST(strides) {
  enum { N = 6, D = 5, GAP = 3, V = 4 };
  static hfy_real keys[N * (D + GAP)], values[N * (D + GAP)], readout[N * (V + GAP)], bias[4 * (N + GAP)];
  fixture f;
  size_t i, j;
  int s, turn;
  for (s = 0; s < 14; s++)
    for (turn = 0; turn < 2; turn++) {
      hfy_real packed[MAX_B * MAX_D];
      const char *sep;
      hfy_net wide_net;
      make(&f, 6500 + (uint64_t)s, N, D, 4);
      sep = use_sep(&f, s);
      f.net.max_steps = 2;
      f.net.sim = (hfy_sim)(s % 4);
      f.net.values = f.values;
      f.net.bias = f.bias;
      f.net.bias_stride = N;
      if (turn) {
        f.net.readout = f.readout;
        f.net.readout_dim = V;
      }
      fill(keys, COUNT(keys), (double)not_a_number());
      fill(values, COUNT(values), (double)not_a_number());
      fill(readout, COUNT(readout), (double)not_a_number());
      fill(bias, COUNT(bias), (double)not_a_number());
      for (i = 0; i < N; i++) {
        memcpy(keys + i * (D + GAP), f.keys + i * D, D * sizeof *keys);
        memcpy(values + i * (D + GAP), f.values + i * D, D * sizeof *values);
        memcpy(readout + i * (V + GAP), f.readout + i * V, V * sizeof *readout);
      }
      for (j = 0; j < 4; j++) memcpy(bias + j * (N + GAP), f.bias + j * N, N * sizeof *bias);
      wide_net = f.net;
      wide_net.keys = keys;
      wide_net.key_stride = D + GAP;
      wide_net.values = values;
      wide_net.value_stride = D + GAP;
      wide_net.bias = bias;
      wide_net.bias_stride = N + GAP;
      if (turn) {
        wide_net.readout = readout;
        wide_net.readout_stride = V + GAP;
      }
      CHECK(hfy_retrieve(&f.net, f.queries, 4, packed, NULL, NULL) == HFY_OK);
      CHECK(hfy_retrieve(&wide_net, f.queries, 4, f.out, NULL, NULL) == HFY_OK);
      CHECK(same_bits(packed, f.out, 4 * (size_t)(turn ? V : D) * sizeof *packed));
      f.net.values = wide_net.values = NULL; /* the keys' stride then */
      f.net.value_stride = wide_net.value_stride = 0;
      CHECK(hfy_retrieve(&f.net, f.queries, 4, packed, NULL, NULL) == HFY_OK);
      CHECK(hfy_retrieve(&wide_net, f.queries, 4, f.out, NULL, NULL) == HFY_OK);
      CHECK(same_bits(packed, f.out, 4 * (size_t)(turn ? V : D) * sizeof *packed));
      show(sep, "none", turn);
    }
}

TEST(one_hot_copies_the_pattern_to_the_bit) {
  enum { N = 5, D = 6, V = 3 };
  fixture f;
  hfy_real p[N];
  hfy_report report;
  size_t i;
  int s;
  memset(&report, 0, sizeof report);
  report.weights = p;
  for (s = 1; s < 14; s++) {
    const char *sep;
    if (s == 3 || s == 4 || s == 11 || s == 12 || s == 13 || s == 2) continue;
    make(&f, 7000 + (uint64_t)s, N, D, 1);
    sep = use_sep(&f, s);
    f.net.beta = 500;
    for (i = 0; i < N; i++) {
      f.net.readout = NULL;
      f.net.values = NULL;
      f.keys[i * D] = (hfy_real)(i == 2 ? -0.0 : 3.7e-3);
      f.net.sim = HFY_SIM_EUCLIDEAN;
      CHECK(hfy_retrieve(&f.net, f.keys + i * D, 1, f.out, &report, NULL) == HFY_OK);
      CHECK_EQ(p[i], 1);
      CHECK(same_bits(f.out, f.keys + i * D, D * sizeof *f.out));
      f.net.values = f.values;
      CHECK(hfy_retrieve(&f.net, f.keys + i * D, 1, f.out, NULL, NULL) == HFY_OK);
      CHECK(same_bits(f.out, f.values + i * D, D * sizeof *f.out));
      f.net.readout = f.readout;
      f.net.readout_dim = V;
      CHECK(hfy_retrieve(&f.net, f.keys + i * D, 1, f.out, NULL, NULL) == HFY_OK);
      CHECK(same_bits(f.out, f.readout + i * V, V * sizeof *f.out));
    }
    show(sep, "none", 0);
  }
}

/* The same answers whether the report needs whole rows of weights or not, however the candidates lie. */
enum { SPREAD_RANDOM, SPREAD_EQUAL, SPREAD_TIES, SPREAD_DOWN, SPREAD_UP, SPREAD_OUTLIER, SPREADS };

static void spread(hfy_rng *rng, int how, hfy_real *keys, size_t n, size_t dim) {
  size_t i, d;
  for (i = 0; i < n; i++)
    for (d = 0; d < dim; d++) {
      double v = hfy_rng_normal(rng);
      if (how == SPREAD_EQUAL) v = 1.25;
      if (how == SPREAD_TIES) v = floor(v);
      if (how == SPREAD_DOWN) v = 1 - (double)i / (double)n;
      if (how == SPREAD_UP) v = (double)i / (double)n;
      if (how == SPREAD_OUTLIER) v = i == n / 3 ? 1e3 : 1e-3 * v;
      keys[i * dim + d] = (hfy_real)v;
    }
}

static void one_pass_is_plain(size_t n, size_t dim, size_t batch, int how, double beta) {
  static hfy_real keys[50000 * 2], weights[150 * 1500 + 50000 * 4], q[150 * 4], out[150 * 4], plain[150 * 4], alone[4];
  static double energy[150 * 3];
  static size_t best[150], plain_best[150];
  hfy_rng rng = hfy_rng_seed(n + (uint64_t)how);
  fixture f; /* for its separations only */
  hfy_report report, whole;
  size_t j;
  int s;
  make(&f, 1, 2, 2, 1);
  spread(&rng, how, keys, n, dim);
  for (j = 0; j < batch * dim; j++) q[j] = (hfy_real)(0.5 + 0.1 * hfy_rng_normal(&rng));
  for (s = 0; s < SEPS + 3; s++) {
    const char *sep = s < SEPS ? use_sep(&f, s) : (use_sep(&f, 6), "tie");
    hfy_net net;
    if (s == 2 || (sep_is_unbounded(s) && s < SEPS) || (s == 3 && n > 3000)) continue;
    if (n > 3000 && FEWER == 1 && !MINE(s + how)) continue;
    memset(&net, 0, sizeof net);
    memset(&report, 0, sizeof report);
    memset(&whole, 0, sizeof whole);
    net.dim = dim;
    net.count = n;
    net.keys = keys;
    net.beta = beta;
    net.max_steps = 2;
    net.sep = f.net.sep;
    if (s == SEPS) net.sep.alpha = HUGE_VAL;
    if (s == SEPS + 1) {
      net.sep.kind = HFY_SEP_NORMMAX;
      net.sep.gamma = 1;
    }
    if (s == SEPS + 2) {
      net.sep.kind = HFY_SEP_ARGMAX;
      net.sep.k = 1;
    }
    if (s == 13) { /* two with margins */
      f.net.sep.kind = HFY_SEP_ENTMAX;
      net.sep = f.net.sep;
    }
    report.best = best;
    whole.best = plain_best;
    whole.weights = weights;
    whole.energy = (s + how) % 3 ? NULL : energy;
    CHECK(hfy_retrieve(&net, q, batch, out, &report, NULL) == HFY_OK);
    CHECK(hfy_retrieve(&net, q, batch, plain, &whole, NULL) == HFY_OK);
    CHECK(agree(out, plain, batch * dim, runs_sums(s) ? 256 : 0));
    if (!runs_sums(s)) CHECK(same_bits(best, plain_best, batch * sizeof *best));
    CHECK(hfy_retrieve(&net, q + (batch - 1) * dim, 1, alone, NULL, NULL) == HFY_OK);
    CHECK(same_bits(alone, out + (batch - 1) * dim, dim * sizeof *alone));
    show(sep, "none", how);
  }
}

TEST(one_pass_is_plain_small) {
  static const double betas[] = {1e-6, 0.3, 4, 1e5};
  size_t b;
  int how;
  for (how = 0; how < SPREADS; how++)
    for (b = 0; b < COUNT(betas); b++)
      if (FEWER > 1 || MINE((size_t)how + b)) one_pass_is_plain(700, 4, 3, how, betas[b]);
}
TEST(one_pass_is_plain_in_tiles) {
  int how;
  for (how = 0; how < SPREADS; how++)
    if (MINE(how)) one_pass_is_plain(1500, 3, 100, how, how % 3 ? 0.01 : 20);
}
TEST(one_pass_is_plain_when_everything_is_a_candidate) { one_pass_is_plain(45000, 2, 2, SPREAD_EQUAL, 1); }
TEST(one_pass_is_plain_when_the_best_comes_last) { one_pass_is_plain(45000, 2, 2, SPREAD_UP, 1e-3); }
TEST(one_pass_is_plain_with_many_ties) { one_pass_is_plain(45000, 2, 3, SPREAD_TIES, 2); }
TEST(one_pass_is_plain_with_an_outlier) { one_pass_is_plain(45000, 2, 2, SPREAD_OUTLIER, 1e-4); }

/* Tens of thousands of small weights: adding row after row in float would be off by thousands of roundings. */
TEST(projections_of_many_rows_are_accurate) {
  enum { MANY = 50000, D = 2 };
  static hfy_real keys[MANY * D], p[MANY], out[D], readout[MANY];
  static const double starts[] = {0, 1e-3};
  hfy_rng rng = hfy_rng_seed(6);
  hfy_net net;
  hfy_report report;
  size_t i;
  int s, turn, with;
  for (turn = 0; turn < 2; turn++)
    for (s = 0; s < 5; s++)
      for (with = 0; with < 2; with++) {
        hfy_real q[D] = {0, 0}, value;
        wide sum[D] = {0, 0}, answer = 0;
        q[0] = (hfy_real)starts[turn];
        for (i = 0; i < MANY * D; i++) keys[i] = (hfy_real)(turn ? 1 + 0.1 * hfy_rng_normal(&rng) : 1.25);
        for (i = 0; i < MANY; i++) readout[i] = keys[i * D];
        memset(&net, 0, sizeof net);
        memset(&report, 0, sizeof report);
        net.dim = D;
        net.count = MANY;
        net.keys = keys;
        net.sep.kind = s == 0 ? HFY_SEP_SOFTMAX : s == 1 ? HFY_SEP_SPARSEMAX : s == 2 ? HFY_SEP_ENTMAX
                       : s == 3 ? HFY_SEP_NORMMAX : HFY_SEP_UNIFORM;
        net.beta = 1e-3;
        if (with) report.weights = p;
        CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
        report.weights = p;
        net.readout = readout;
        net.readout_dim = 1;
        CHECK(hfy_retrieve(&net, q, 1, &value, with ? &report : NULL, NULL) == HFY_OK);
        if (!with) CHECK(hfy_retrieve(&net, q, 1, &value, &report, NULL) == HFY_OK);
        for (i = 0; i < MANY; i++) {
          sum[0] += (wide)p[i] * keys[i * D];
          sum[1] += (wide)p[i] * keys[i * D + 1];
          answer += (wide)p[i] * readout[i];
        }
        CHECK_NEAR(out[0], (double)sum[0], 256 * REAL_EPS);
        CHECK_NEAR(out[1], (double)sum[1], 256 * REAL_EPS);
        CHECK_NEAR(value, (double)answer, 256 * REAL_EPS);
        show("kind", turn ? "random" : "equal", s);
      }
}

/* --- the report --- */

/* The scores of query j's last step: of the state that one step fewer leads to. */
static void last_scores(const fixture *f, size_t j, size_t steps, hfy_real *theta) {
  const size_t N = f->net.count, D = f->net.dim;
  hfy_real state[MAX_D], weights[MAX_N];
  hfy_net net = f->net;
  hfy_report rows;
  size_t i;
  memset(&rows, 0, sizeof rows);
  rows.weights = weights; /* whole rows, as with everything */
  net.max_steps = steps - 1;
  net.bias = f->net.bias ? f->net.bias + j * f->net.bias_stride : NULL;
  net.visible = f->net.visible ? f->net.visible + j : NULL;
  if (steps < 2) memcpy(state, f->queries + j * D, D * sizeof *state);
  if (steps > 1) CHECK(hfy_retrieve(&net, f->queries + j * D, 1, state, &rows, NULL) == HFY_OK);
  CHECK(hfy_sim_scores(net.sim, net.beta, net.keys, N, D, 0, state, 1, theta, NULL) == HFY_OK);
  for (i = 0; i < N; i++) {
    if (net.bias) theta[i] += net.bias[i];
    if (net.visible && i >= *net.visible) theta[i] = (hfy_real)-HUGE_VAL;
  }
}

/* The heaviest that is left, of those with the best score (of signed weights: none), of those the first. */
static size_t next_of(const hfy_real *p, const hfy_real *theta, int by_score, const int *taken, size_t N) {
  size_t i, next = N;
  for (i = 0; i < N; i++)
    if (!taken[i] && (p[i] > 0 || p[i] < 0) &&
        (next == N || p[i] > p[next] || (by_score && p[i] >= p[next] && theta[i] > theta[next])))
      next = i;
  return next;
}

TEST(report_agrees_with_its_weights) {
  enum { N = 9, D = 4, B = 5, T = 3, TOP = 4 };
  fixture f;
  int s, way;
  for (s = 0; s < SEPS; s++)
    for (way = 0; way < 8; way++) { /* similarities, a bias and what is visible, all of the walk or one step */
      hfy_status status[B];
      size_t whole[B * (3 + TOP)], j, i, k;
      double numbers[B * (T + 2)];
      hfy_real reals[B * (TOP + N)], theta[N], best_score[B], top_score[B * TOP];
      hfy_report r;
      const char *sep;
      if (!MINE(s + way)) continue;
      make(&f, 8400 + (uint64_t)(s * 8 + way), N, D, B);
      sep = use_sep(&f, s);
      if (sep_is_unbounded(s)) use_post(&f, 1);
      f.net.max_steps = way % 2 ? 1 : T;
      f.net.beta = 2;
      f.net.sim = (hfy_sim)(way / 2);
      if (f.net.sim) f.net.values = f.values;
      if (way % 3 == 1) f.net.bias = f.bias, f.net.bias_stride = N;
      if (way > 4 && (s < 11 || s > 17) && s != 2) f.net.visible = f.visible;
      memcpy(f.keys + 3 * D, f.keys + 1 * D, D * sizeof *f.keys); /* two equal patterns */
      everything(&r, status, whole, numbers, reals, B, N, T, TOP);
      if (f.net.sim) r.energy = NULL;
      r.best_score = best_score;
      r.top_score = top_score;
      CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &r, NULL) == HFY_OK);
      for (j = 0; j < B; j++) {
        const hfy_real *p = r.weights + j * N;
        const int by_score = s < 14 || s > 15;
        size_t support = 0, best;
        int taken[N];
        memset(taken, 0, sizeof taken);
        last_scores(&f, j, r.steps[j], theta);
        for (i = 0; i < N; i++) support += p[i] > 0 || p[i] < 0;
        best = next_of(p, theta, by_score, taken, N);
        CHECK(r.status[j] == HFY_OK);
        CHECK(r.best[j] == (best == N ? 0 : best));
        CHECK_EQ(r.best_score[j], best == N ? -HUGE_VAL : (double)theta[best]);
        CHECK(r.support[j] == support);
        CHECK(r.steps[j] >= 1 && r.steps[j] <= f.net.max_steps);
        for (k = 0; k < TOP; k++) {
          const size_t next = next_of(p, theta, by_score, taken, N), at = j * TOP + k;
          CHECK(r.top_index[at] == (next == N ? SIZE_MAX : next));
          CHECK_EQ(r.top_weight[at], next == N ? 0 : (double)p[next]);
          CHECK_EQ(r.top_score[at], next == N ? -HUGE_VAL : (double)theta[next]);
          if (next < N) taken[next] = 1;
        }
      }
      show(sep, "", s);
    }
}

/* The best ten of a thousand memories are those of a sort, in its order, whoever lists them. */
TEST(the_best_ten_in_order) {
  enum { N = ORACLE_COUNT, D = 8, TOP = 10 };
  fixture f;
  size_t round, i, k;
  for (round = 0; round < 1000; round++) {
    hfy_real theta[N], score[TOP], weight[TOP];
    size_t index[TOP], best;
    int taken[N], way = (int)(round % 3);
    hfy_report r;
    if (!MINE(round)) continue;
    memset(&r, 0, sizeof r);
    memset(taken, 0, sizeof taken);
    make(&f, 9000 + round, N, D, 1);
    f.net.sep.kind = way == 0 ? HFY_SEP_ARGMAX : way == 1 ? HFY_SEP_KSUBSETS : HFY_SEP_SOFTMAX;
    f.net.sep.k = way < 2 ? TOP : 0;
    f.net.beta = way == 1 ? 1e6 : 1;
    r.top = TOP;
    r.top_index = index;
    r.top_score = score;
    r.top_weight = weight;
    r.best = &best;
    if (!CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &r, NULL) == HFY_OK)) break;
    last_scores(&f, 0, 1, theta);
    for (k = 0; k < TOP; k++) {
      size_t next = N;
      for (i = 0; i < N; i++)
        if (!taken[i] && (next == N || theta[i] > theta[next])) next = i;
      taken[next] = 1;
      CHECK(index[k] == next);
      CHECK_EQ(score[k], theta[next]);
      CHECK(way == 2 || (weight[k] >= 1 && weight[k] <= 1));
      if (!k) CHECK(best == next);
    }
  }
}

TEST(report_fields_alone_are_as_together) {
  enum { N = 8, D = 5, B = 4, T = 3, TOP = 2 };
  fixture f;
  int s, field;
  for (s = 0; s < SEPS; s++) {
    hfy_status status[B], status2[B];
    size_t whole[B * (3 + TOP)], whole2[B * (3 + TOP)];
    double numbers[B * (T + 2)], numbers2[B * (T + 2)];
    hfy_real reals[B * (TOP + N)], reals2[B * (TOP + N)], plain[B * D], out[B * D];
    hfy_real scores[B * (1 + TOP)], scores2[B * (1 + TOP)];
    hfy_report all, r;
    const char *sep;
    make(&f, 8500 + (uint64_t)s, N, D, B);
    sep = use_sep(&f, s);
    use_post(&f, 4);
    f.net.max_steps = T;
    everything(&all, status, whole, numbers, reals, B, N, T, TOP);
    all.best_score = scores, all.top_score = scores + B;
    CHECK(hfy_retrieve(&f.net, f.queries, B, plain, NULL, NULL) == HFY_OK);
    CHECK(hfy_retrieve(&f.net, f.queries, B, out, &all, NULL) == HFY_OK);
    CHECK(agree(plain, out, B * D, runs_sums(s) ? 32 : 0)); /* asking changes nothing */
    for (field = 0; field < 11; field++) {
      everything(&r, status2, whole2, numbers2, reals2, B, N, T, TOP);
      r.best_score = field == 9 ? scores2 : NULL;
      r.top_score = field == 10 ? scores2 + B : NULL;
      if (field != 0) r.status = NULL;
      if (field != 1) r.best = NULL;
      if (field != 2) r.support = NULL;
      if (field != 3) r.steps = NULL;
      if (field != 4) r.residual = NULL;
      if (field != 5) r.energy = NULL;
      if (field != 6) r.top_index = NULL;
      if (field != 7) r.top_weight = NULL;
      if (field != 8) r.weights = NULL;
      CHECK(hfy_retrieve(&f.net, f.queries, B, out, &r, NULL) == HFY_OK);
      CHECK(agree(plain, out, B * D, runs_sums(s) ? 32 : 0));
      CHECK(!r.status || same_bits(r.status, all.status, B * sizeof *status));
      CHECK(!r.best || same_bits(r.best, all.best, B * sizeof *whole));
      CHECK(!r.support || same_bits(r.support, all.support, B * sizeof *whole));
      CHECK(!r.steps || same_bits(r.steps, all.steps, B * sizeof *whole));
      CHECK(!r.residual || runs_sums(s) || same_bits(r.residual, all.residual, B * sizeof *numbers));
      CHECK(!r.energy || same_bits(r.energy, all.energy, B * (T + 1) * sizeof *numbers));
      CHECK(!r.top_index || same_bits(r.top_index, all.top_index, B * TOP * sizeof *whole));
      CHECK(!r.top_weight || same_bits(r.top_weight, all.top_weight, B * TOP * sizeof *reals));
      CHECK(!r.weights || same_bits(r.weights, all.weights, B * N * sizeof *reals));
      CHECK(!r.best_score || runs_sums(s) || same_bits(r.best_score, all.best_score, B * sizeof *reals));
      CHECK(!r.top_score || same_bits(r.top_score, all.top_score, B * TOP * sizeof *reals));
    }
    show(sep, "l2", s);
  }
}

TEST(report_top_longer_than_the_memory) {
  enum { N = 3, TOP = 5 };
  fixture f;
  size_t index[TOP];
  hfy_real weight[TOP];
  hfy_report report;
  memset(&report, 0, sizeof report);
  report.top = TOP;
  report.top_index = index;
  report.top_weight = weight;
  make(&f, 8600, N, 4, 1);
  CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
  CHECK(index[0] < N && index[1] < N && index[2] < N);
  CHECK(index[3] == SIZE_MAX && index[4] == SIZE_MAX);
  CHECK(weight[0] >= weight[1] && weight[1] >= weight[2] && weight[2] > 0);
  CHECK_EQ(weight[3], 0);
  CHECK_EQ(weight[4], 0);
}

TEST(report_ties_by_index) {
  enum { N = 4, D = 3 };
  static const hfy_real keys[N * D] = {1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0}, q[D] = {0, 1, 0};
  size_t index[3], best;
  hfy_real out[D];
  hfy_net net;
  hfy_report report;
  memset(&net, 0, sizeof net);
  memset(&report, 0, sizeof report);
  net.dim = D;
  net.count = N;
  net.keys = keys;
  report.top = 3;
  report.top_index = index;
  report.best = &best;
  CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
  CHECK(best == 1 && index[0] == 1 && index[1] == 2 && index[2] == 3);
  net.sep.kind = HFY_SEP_SPARSEMAX;
  CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
  CHECK(best == 1 && index[0] == 1 && index[1] == 2 && index[2] == 3);
}

TEST(report_energy_is_the_energy_of_the_states) {
  enum { N = 6, D = 4, B = 3, T = 6 };
  fixture f;
  int s, p;
  for (s = 0; s < SEPS; s++)
    for (p = 0; p < 9; p++) {
      double energy[B * (T + 1)], now[B];
      size_t steps[B], t, j;
      hfy_real q[B * D], weights[B * N];
      hfy_report report, whole;
      const char *sep, *post;
      if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
      memset(&report, 0, sizeof report);
      memset(&whole, 0, sizeof whole);
      report.energy = energy;
      report.steps = steps;
      whole.weights = weights; /* the same way of working as with energies */
      make(&f, (uint64_t)(8700 + 20 * s + p), N, D, B);
      sep = use_sep(&f, s);
      post = use_post(&f, p);
      f.net.max_steps = T;
      f.net.bias = f.bias;
      CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &report, NULL) == HFY_OK);
      f.net.max_steps = 1;
      memcpy(q, f.queries, sizeof q);
      for (t = 0; t <= T; t++) {
        CHECK(hfy_energy(&f.net, q, B, now, NULL) == HFY_OK);
        for (j = 0; j < B; j++) {
          if (t <= steps[j])
            CHECK_NEAR(energy[j * (T + 1) + t], now[j], 1e-12);
          else
            CHECK_EQ(energy[j * (T + 1) + t],
                     energy[j * (T + 1) + steps[j]]); /* the tail repeats the last */
        }
        CHECK(hfy_retrieve(&f.net, q, B, q, &whole, NULL) == HFY_OK);
      }
      show(sep, post, 0);
    }
}

/* --- checks --- */

/* A power beyond hfy_real and a NaN far behind it: NONFINITE, with a report and without. */
TEST(nan_behind_a_power_beyond_the_range) {
  enum { N = 6000 };
  hfy_real *keys = (hfy_real *)calloc(2 * N, sizeof *keys), *weights = keys + N, q = 1, out;
  hfy_report report;
  hfy_net net;
  size_t at;
  memset(&report, 0, sizeof report), memset(&net, 0, sizeof net);
  report.weights = weights;
  net.dim = 1, net.count = N, net.keys = keys, net.beta = 1, net.sep.kind = HFY_SEP_EVEN, net.sep.degree = 12;
  for (at = 0; at < N; at += 700) {
    keys[1] = (hfy_real)(sizeof(hfy_real) == 4 ? 3e30 : 3e300), keys[at] = (hfy_real)(HUGE_VAL - HUGE_VAL);
    CHECK(hfy_retrieve(&net, &q, 1, &out, NULL, NULL) == HFY_ERR_NONFINITE);
    CHECK(hfy_retrieve(&net, &q, 1, &out, &report, NULL) == HFY_ERR_NONFINITE);
    keys[at] = 0;
  }
  free(keys);
}

/* The best pattern is 0 where a far lighter one decides: SIGN, directions and steep slopes see that with a report and
   without. */
TEST(signs_of_small_weights) {
  static const hfy_real sides[] = {1, 0, 0, 1}, none[] = {0, 0, 0, 1}, q[] = {1, -0.5f};
  static const hfy_sep_kind kinds[] = {HFY_SEP_SOFTMAX, HFY_SEP_EXP};
  static const hfy_post_kind posts[] = {HFY_POST_SIGN, HFY_POST_TANH, HFY_POST_RECTIFIED_POWER, HFY_POST_L2,
                                        HFY_POST_LAYERNORM};
  hfy_real alone[2], seen[2], weights[2];
  hfy_report report;
  size_t k, b;
  memset(&report, 0, sizeof report);
  report.weights = weights;
  for (k = 0; k < COUNT(kinds) * COUNT(posts); k++)
    for (b = 1; b < (sizeof(hfy_real) == 4 ? 57 : 460); b++) {
      const hfy_post_kind post = posts[k / 2];
      hfy_net net;
      memset(&net, 0, sizeof net);
      net.dim = net.count = 2, net.keys = post < HFY_POST_L2 || post == HFY_POST_RECTIFIED_POWER ? sides : none;
      net.beta = (double)b, net.sep.kind = kinds[k % 2];
      net.post.kind = post, net.post.beta = 1e307, net.post.power = 1e-3;
      CHECK(hfy_retrieve(&net, q, 1, alone, NULL, NULL) == hfy_retrieve(&net, q, 1, seen, &report, NULL));
      if (post == HFY_POST_SIGN) CHECK(same_bits(alone, seen, sizeof seen));
      CHECK(fabs((double)(alone[0] - seen[0])) <= 1e-5 && (double)alone[1] >= (post < HFY_POST_RECTIFIED_POWER ? 1 : 0.4));
    }
}

TEST(check_fills_defaults_in) {
  fixture f;
  hfy_net full;
  int sim, s;
  make(&f, 25000, 6, 9, 1);
  for (sim = 0; sim < 4; sim++)
    for (s = 0; s < SEPS; s++) {
      int one = sim != HFY_SIM_DOT || sep_is_unbounded(s);
      use_sep(&f, s);
      f.net.sim = (hfy_sim)sim;
      CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
      CHECK_NEAR(full.beta, one ? 1 : 1 / 3.0, 1e-15);
    }
  f.net.sim = HFY_SIM_DOT;
  use_sep(&f, 0);
  memset(&full, 0x5a, sizeof full);
  CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
  CHECK(full.dim == 9 && full.count == 6 && full.keys == f.keys && full.key_stride == 9);
  CHECK(full.max_steps == 1);
  CHECK_EQ(full.step, 1);
  CHECK_EQ(full.tol, 0);
  CHECK(full.value_stride == 9);
  CHECK_EQ(full.sep.alpha, 1.5);
  CHECK_EQ(full.sep.gamma, 2);
  CHECK_EQ(full.sep.degree, 3);
  CHECK_EQ(full.sep.rho, 1);
  CHECK_EQ(full.sep.k, 1);
  CHECK_EQ(full.post.beta, 1);
  CHECK_EQ(full.post.radius, 1);
  CHECK_EQ(full.post.eta, 1);
  CHECK_EQ(full.post.power, 1);
  CHECK(!full.bias && !full.visible && !full.readout && !full.self_coupling);
  f.net.key_stride = 11;
  CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
  CHECK(full.key_stride == 11 && full.value_stride == 11);
  f.net.values = f.values;
  CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
  CHECK(full.value_stride == 9 && full.values == f.values);
  f.net.readout = f.readout;
  f.net.readout_dim = 4;
  CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
  CHECK(full.readout_stride == 4);
  CHECK(hfy_net_check(&f.net, NULL, NULL) == HFY_OK);
}

TEST(resolved_nets_are_the_same_nets) {
  fixture f;
  hfy_net full;
  hfy_real plain[8];
  int s, p;
  for (s = 0; s < SEPS; s++)
    for (p = 0; p < POSTS; p++) {
      if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
      make(&f, (uint64_t)(25100 + 20 * s + p), 5, 4, 2);
      use_sep(&f, s);
      use_post(&f, p);
      CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
      CHECK(hfy_retrieve(&f.net, f.queries, 2, plain, NULL, NULL) == HFY_OK);
      CHECK(hfy_retrieve(&full, f.queries, 2, f.out, NULL, NULL) == HFY_OK);
      CHECK(same_bits(plain, f.out, sizeof plain));
    }
}

/* net_check, retrieve and its gradient all refuse, before anything is written */
static void refuse(const hfy_net *net, const char *word, const char *value) {
  static gradients g;
  hfy_real q[64], out[64];
  hfy_grad grad;
  hfy_net full;
  hfy_work work;
  memset(&work, 0, sizeof work);
  memset(&full, 0x5a, sizeof full);
  memset(&grad, 0, sizeof grad);
  memset(&g, 0, sizeof g);
  grad.queries = g.queries;
  fill(q, 64, 0.5);
  fill(out, 64, 7);
  CHECK_FAILS(hfy_net_check(net, &full, &work), HFY_ERR_ARG, &work, word);
  CHECK_CONTAINS(work.message, value);
  CHECK_FAILS(hfy_retrieve(net, q, 2, out, NULL, &work), HFY_ERR_ARG, &work, word);
  CHECK_FAILS(hfy_retrieve_vjp(net, q, 2, q, &grad, &work), HFY_ERR_ARG, &work, word);
  CHECK(all_are(out, 64, 7) && all_are(g.queries, 64, 0));
  CHECK(hfy_net_check(net, &full, NULL) == HFY_ERR_ARG);
  CHECK(hfy_retrieve(net, q, 2, out, NULL, NULL) == HFY_ERR_ARG);
  hfy_work_free(&work);
}

static fixture bad;
#define REFUSED(change, word, value)   \
  do {                                 \
    make(&bad, 26000, 5, 4, 2);        \
    change;                            \
    refuse(&bad.net, word, value);     \
  } while (0)

TEST(shapes_out_of_range) {
  REFUSED(bad.net.dim = 0, "dim", "0");
  REFUSED(bad.net.count = 0, "count", "0");
  REFUSED(bad.net.keys = NULL, "keys", "NULL");
  REFUSED(bad.net.key_stride = 3, "key_stride", "3");
  REFUSED((bad.net.values = bad.values, bad.net.value_stride = 2), "value_stride", "2");
  REFUSED(bad.net.readout = bad.readout, "readout_dim", "0");
  REFUSED((bad.net.readout = bad.readout, bad.net.readout_dim = 4, bad.net.readout_stride = 3), "readout_stride",
          "3");
  REFUSED((bad.net.bias = bad.bias, bad.net.bias_stride = 4), "bias_stride", "4");
  REFUSED(bad.net.count = SIZE_MAX / 2, "count", "cannot exist");
  REFUSED(bad.net.dim = SIZE_MAX / 8, "dim", "cannot exist");
  REFUSED(bad.net.key_stride = SIZE_MAX / 2, "", "cannot exist");
}

TEST(numbers_out_of_range) {
  REFUSED(bad.net.beta = -1, "beta", "-1");
  REFUSED(bad.net.beta = HUGE_VAL, "beta", "inf");
  REFUSED(bad.net.beta = HUGE_VAL - HUGE_VAL, "beta", "nan");
  REFUSED(bad.net.step = -0.5, "step", "-0.5");
  REFUSED(bad.net.step = 1.5, "step", "1.5");
  REFUSED(bad.net.step = HUGE_VAL - HUGE_VAL, "step", "nan");
  REFUSED(bad.net.tol = -1e-20, "tol", "-1e-20");
  REFUSED(bad.net.tol = HUGE_VAL - HUGE_VAL, "tol", "nan");
  {
    unsigned wrong = 9;
    REFUSED(memcpy(&bad.net.sim, &wrong, sizeof wrong), "sim", "9");
  }
}

TEST(separations_out_of_range) {
  REFUSED((bad.net.sep.kind = HFY_SEP_ENTMAX, bad.net.sep.alpha = -2), "alpha", "-2");
  REFUSED((bad.net.sep.kind = HFY_SEP_NORMMAX, bad.net.sep.gamma = 0.25), "gamma", "0.25");
  REFUSED((bad.net.sep.kind = HFY_SEP_POWER, bad.net.sep.degree = 1), "degree", "1");
  REFUSED((bad.net.sep.kind = HFY_SEP_KSUBSETS, bad.net.sep.k = 6), "k is", "6");
  REFUSED((bad.net.sep.kind = HFY_SEP_KSUBSETS, bad.net.sep.rho = -1), "rho", "-1");
  REFUSED((bad.net.sep.kind = HFY_SEP_ARGMAX, bad.net.sep.k = 1.5), "k is", "1.5");
  REFUSED((bad.more.kind = HFY_SEP_ENTMAX, bad.more.alpha = -3, bad.net.sep.plus = &bad.more), "alpha", "-3");
}

TEST(posts_out_of_range) {
  REFUSED((bad.net.post.kind = HFY_POST_TANH, bad.net.post.beta = -1), "beta", "-1");
  REFUSED((bad.net.post.kind = HFY_POST_L2, bad.net.post.radius = -2), "radius", "-2");
  REFUSED((bad.net.post.kind = HFY_POST_L2, bad.net.post.eps = -0.5), "eps", "-0.5");
  REFUSED((bad.net.post.kind = HFY_POST_LAYERNORM, bad.net.post.dof_minus = 4), "dof_minus", "4");
  REFUSED((bad.net.post.kind = HFY_POST_LAYERNORM, bad.net.post.eta = -1), "eta", "-1");
  REFUSED(bad.net.post.kind = HFY_POST_LINEAR, "matrix", "NULL");
  REFUSED((bad.net.post.kind = HFY_POST_RECTIFIED_POWER, bad.net.post.power = -1), "power", "-1");
  REFUSED((bad.net.post.kind = HFY_POST_RECTIFIED_POWER, bad.net.post.sigma = -1), "sigma", "-1");
  REFUSED((bad.net.post.kind = HFY_POST_RECTIFIED_POWER, bad.net.post.theta = HUGE_VAL), "theta", "inf");
  {
    unsigned wrong = 44;
    REFUSED(memcpy(&bad.net.post.kind, &wrong, sizeof wrong), "kind", "44");
  }
}

TEST(null_arguments) {
  fixture f;
  hfy_work work;
  memset(&work, 0, sizeof work);
  make(&f, 26100, 5, 4, 2);
  fill(f.out, 8, 7);
  CHECK_FAILS(hfy_retrieve(NULL, f.queries, 2, f.out, NULL, &work), HFY_ERR_ARG, &work, "net");
  CHECK_FAILS(hfy_retrieve(&f.net, NULL, 2, f.out, NULL, &work), HFY_ERR_ARG, &work, "queries");
  CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 2, NULL, NULL, &work), HFY_ERR_ARG, &work, "out");
  CHECK_FAILS(hfy_net_check(NULL, NULL, &work), HFY_ERR_ARG, &work, "net");
  CHECK(hfy_retrieve(&f.net, f.queries, SIZE_MAX / 8, f.out, NULL, &work) == HFY_ERR_ARG);
  CHECK_CONTAINS(work.message, "n_queries");
  CHECK(all_are(f.out, 8, 7));
  CHECK(hfy_retrieve(&f.net, f.queries, 0, f.out, NULL, &work) == HFY_OK); /* no queries: nothing to do */
  CHECK(hfy_retrieve(&f.net, NULL, 0, NULL, NULL, &work) == HFY_OK);
  CHECK(all_are(f.out, 8, 7));
  hfy_work_free(&work);
}

TEST(nan_queries_beside_good_ones) {
  enum { N = 6, D = 4, B = 5, T = 3, TOP = 2 };
  fixture f, clean;
  int s, p;
  for (s = 0; s < SEPS; s++)
    for (p = 0; p < POSTS; p += 2) {
      hfy_status status[B];
      size_t whole[B * (3 + TOP)], clean_whole[B * (3 + TOP)], j;
      double numbers[B * (T + 2)], clean_numbers[B * (T + 2)];
      hfy_real reals[B * (TOP + N)], clean_reals[B * (TOP + N)];
      hfy_status clean_status[B];
      hfy_report r, c;
      hfy_work work;
      const char *sep, *post;
      if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
      memset(&work, 0, sizeof work);
      make(&f, (uint64_t)(27000 + 20 * s + p), N, D, B);
      sep = use_sep(&f, s);
      post = use_post(&f, p);
      f.net.max_steps = T;
      everything(&r, status, whole, numbers, reals, B, N, T, TOP);
      everything(&c, clean_status, clean_whole, clean_numbers, clean_reals, B, N, T, TOP);
      if (!post_has_energy(p)) r.energy = c.energy = NULL;
      CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &c, &work) == HFY_OK);
      memcpy(clean.out, f.out, sizeof f.out);
      f.queries[1 * D + 2] = not_a_number();
      f.queries[3 * D] = (hfy_real)HUGE_VAL;
      fill(f.out, B * D, 7);
      memset(whole, 0x11, sizeof whole), memset(numbers, 0x11, sizeof numbers), memset(reals, 0x11, sizeof reals);
      CHECK_FAILS(hfy_retrieve(&f.net, f.queries, B, f.out, &r, &work), HFY_ERR_NONFINITE, &work, "query 1");
      for (j = 0; j < B; j++) {
        int good = j != 1 && j != 3;
        CHECK(status[j] == (good ? HFY_OK : HFY_ERR_NONFINITE));
        if (good) {
          CHECK(same_bits(f.out + j * D, clean.out + j * D, D * sizeof *f.out));
          CHECK(r.best[j] == c.best[j] && r.support[j] == c.support[j] && r.steps[j] == c.steps[j]);
          CHECK(same_bits(r.weights + j * N, c.weights + j * N, N * sizeof *reals));
        } else {
          size_t marked = 0;
          double marked_number;
          memset(&marked, 0x11, sizeof marked);
          memset(&marked_number, 0x11, sizeof marked_number);
          CHECK(all_are(f.out + j * D, D, 7));
          CHECK(r.best[j] == marked && r.support[j] == marked && r.steps[j] == marked);
          CHECK(r.top_index[j * TOP] == marked);
          CHECK(same_bits(&r.residual[j], &marked_number, sizeof marked_number));
          CHECK(!r.energy || same_bits(&r.energy[j * (T + 1)], &marked_number, sizeof marked_number));
          CHECK(same_bits(&r.weights[j * N], &marked_number, sizeof *reals));
          CHECK(same_bits(&r.top_weight[j * TOP], &marked_number, sizeof *reals));
        }
      }
      show(sep, post, p);
      hfy_work_free(&work);
    }
}

TEST(nan_patterns) {
  fixture f;
  hfy_status status[2];
  hfy_report report;
  memset(&report, 0, sizeof report);
  report.status = status;
  make(&f, 27500, 5, 4, 2);
  f.keys[9] = not_a_number();
  fill(f.out, 8, 7);
  CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, &report, NULL) == HFY_ERR_NONFINITE);
  CHECK(status[0] == HFY_ERR_NONFINITE && status[1] == HFY_ERR_NONFINITE);
  CHECK(all_are(f.out, 8, 7));
  make(&f, 27500, 5, 4, 2);
  f.net.values = f.values;
  f.values[2] = not_a_number(); /* a state that is not finite */
  fill(f.out, 8, 7);
  CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, &report, NULL) == HFY_ERR_NONFINITE);
  CHECK(all_are(f.out, 8, 7));
}

TEST(states_beyond_the_range) {
  fixture f;
  make(&f, 27600, 5, 4, 1);
  use_sep(&f, 14); /* identity without a bound: grows like a power */
  f.net.max_steps = 4000;
  f.net.beta = 100;
  fill(f.out, 4, 7);
  CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, NULL, NULL) == HFY_ERR_NONFINITE);
  CHECK(all_are(f.out, 4, 7));
}

/* A readout does without the state after the last step, so a report that asks about it takes no answer away. */
TEST(a_readout_of_states_beyond_the_range) {
  static const int seps[] = {0, 1, 2, 6, 14, 16};
  size_t s, asked, steps;
  for (s = 0; s < COUNT(seps); s++)
    for (steps = 1; steps < 3; steps++) {
      fixture f;
      hfy_real answer[4];
      make(&f, 27650 + s, 5, 2, 2);
      use_sep(&f, seps[s]);
      f.net.readout = f.readout;
      f.net.readout_dim = 2;
      f.net.self_coupling = f.self_coupling;
      f.net.max_steps = steps;
      f.net.step = steps == 1 && s % 2 ? 0.5 : 1;
      fill(f.self_coupling, 2, sizeof(hfy_real) == 4 ? -3e38 : -1.6e308);
      fill(f.queries, 4, 0);
      f.queries[0] = (hfy_real)(steps == 1 ? 1.2 : sizeof(hfy_real) == 4 ? 1e-38 : 1e-308); /* 2: to 3 and beyond */
      for (asked = 0; asked < 4; asked++) {
        hfy_report report;
        double residual[2] = {-1, -1}, energy[6];
        memset(&report, 0, sizeof report);
        if (asked & 1) report.residual = residual;
        if (asked & 2) report.energy = energy;
        CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, &report, NULL) == HFY_OK);
        if (!asked) memcpy(answer, f.out, sizeof answer);
        CHECK(agree(answer, f.out, 4, asked & 2 && s % 5 == 0 ? 64 : 0)); /* sums, or whole rows */
        if (asked & 1) CHECK(residual[0] > DBL_MAX && residual[1] >= 0 && (steps > 1 || residual[1] < 9));
        if (asked & 2) CHECK(energy[0] <= DBL_MAX && energy[0] >= -DBL_MAX && energy[steps] < -DBL_MAX);
        if (asked & 2 && steps == 1) CHECK(energy[3] <= DBL_MAX && energy[3] >= -DBL_MAX);
      }
    }
}

TEST(bounds_that_cannot_be_met) {
  fixture f;
  hfy_status status[2];
  hfy_report report;
  size_t i;
  memset(&report, 0, sizeof report);
  report.status = status;
  make(&f, 27700, 5, 4, 2);
  use_sep(&f, 2);
  for (i = 0; i < 5; i++) {
    f.upper[i] = 0.25;
    f.upper[5 + i] = 0.1;
  }
  f.net.sep.bound_stride = 5;
  fill(f.out, 8, 7);
  CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, &report, NULL) == HFY_ERR_INFEASIBLE);
  CHECK(status[0] == HFY_OK && status[1] == HFY_ERR_INFEASIBLE);
  CHECK(!all_are(f.out, 4, 7) && all_are(f.out + 4, 4, 7));
  make(&f, 27700, 5, 4, 2);
  use_sep(&f, 11);
  f.visible[0] = 1;
  f.visible[1] = 5;
  f.net.visible = f.visible;
  fill(f.out, 8, 7);
  CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, &report, NULL) == HFY_ERR_ARG); /* k above the unmasked */
  CHECK(status[0] == HFY_ERR_ARG && status[1] == HFY_OK);
  CHECK(all_are(f.out, 4, 7) && !all_are(f.out + 4, 4, 7));
}

/* exp memory: e^theta far beyond hfy_real, and far below */
TEST(exp_memory_of_huge_scores) {
  enum { N = 6, D = 24 };
  static hfy_real keys[N * D], q[D], out[D], z[D], weights[N];
  hfy_rng rng = hfy_rng_seed(71);
  hfy_net net;
  hfy_report report;
  size_t i, d;
  memset(&net, 0, sizeof net);
  memset(&report, 0, sizeof report);
  report.weights = weights;
  for (i = 0; i < N * D; i++) keys[i] = (hfy_real)hfy_rng_sign(&rng);
  for (d = 0; d < D; d++) q[d] = d < 3 ? -keys[d] : keys[d];
  net.dim = D;
  net.count = N;
  net.keys = keys;
  net.sep.kind = HFY_SEP_EXP;
  net.beta = 1000;
  net.max_steps = 5;
  net.post.kind = HFY_POST_SIGN;
  CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
  CHECK(same_bits(out, keys, sizeof out));
  CHECK_EQ(weights[0], HUGE_VAL);
  net.post.kind = HFY_POST_TANH;
  CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
  CHECK(same_bits(out, keys, sizeof out));
  net.post.kind = HFY_POST_L2; /* a direction: the scale drops out */
  net.max_steps = 1;
  CHECK(hfy_retrieve(&net, q, 1, z, NULL, NULL) == HFY_OK);
  for (d = 0; d < D; d++) CHECK_NEAR(z[d], (double)keys[d] / sqrt((double)D), REAL_TOL(4));
  net.post.kind = HFY_POST_LAYERNORM;
  CHECK(hfy_retrieve(&net, q, 1, z, NULL, NULL) == HFY_OK);
  net.post.kind = HFY_POST_NONE; /* no bound: the state itself leaves the range */
  CHECK(hfy_retrieve(&net, q, 1, z, NULL, NULL) == HFY_ERR_NONFINITE);
  for (i = 0; i < N * D; i++) keys[i] = (hfy_real)fabs((double)keys[i]); /* all scores at -24000: e^theta is 0 */
  fill(q, D, -1);
  net.post.kind = HFY_POST_TANH;
  CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
  for (d = 0; d < D; d++) CHECK_EQ(out[d], 0);
  CHECK_EQ(weights[0], 0);
}

TEST(many_queries_and_patterns) {
  enum { N = 700, D = 30, B = 90 };
  static hfy_real keys[N * D], q[B * D], out[B * D];
  static size_t best[B];
  hfy_rng rng = hfy_rng_seed(81);
  hfy_net net;
  hfy_report report;
  size_t j, d;
  int s;
  memset(&report, 0, sizeof report);
  report.best = best;
  normals(&rng, keys, N * D, 1);
  for (j = 0; j < B; j++)
    for (d = 0; d < D; d++) q[j * D + d] = keys[7 * j * D + d] + (hfy_real)(0.3 * hfy_rng_normal(&rng));
  for (s = 0; s < 4; s++) {
    memset(&net, 0, sizeof net);
    net.dim = D;
    net.count = N;
    net.keys = keys;
    net.beta = 8;
    net.max_steps = 6;
    net.sep.kind = s == 0   ? HFY_SEP_SPARSEMAX : s == 1 ? HFY_SEP_ENTMAX : s == 2 ? HFY_SEP_NORMMAX : HFY_SEP_SOFTMAX;
    CHECK(hfy_retrieve(&net, q, B, out, &report, NULL) == HFY_OK);
    for (j = 0; j < B; j++) {
      CHECK(best[j] == 7 * j);
      if (s < 3) CHECK(same_bits(out + j * D, keys + 7 * j * D, D * sizeof *out));
    }
  }
}

/* An index of other keys: refused before anything is sought, whatever way it would go. */
TEST(an_index_of_changed_keys) {
  enum { N = 100, D = 20, B = 40 };
  static hfy_real keys[N * D], queries[B * D], out[B * D];
  hfy_rng rng = hfy_rng_seed(9);
  hfy_index index;
  hfy_work work;
  hfy_net net;
  size_t bytes = hfy_index_size(N, D, NULL), i;
  void *memory = malloc(bytes);
  memset(&work, 0, sizeof work);
  memset(&net, 0, sizeof net);
  normals(&rng, keys, N * D, 1);
  memcpy(queries, keys, sizeof queries);
  CHECK(hfy_index_build(keys, N, D, 0, NULL, memory, bytes, &index, &work) == HFY_OK);
  net.dim = D;
  net.count = N;
  net.keys = keys;
  net.sep.kind = HFY_SEP_ARGMAX;
  net.index = &index;
  CHECK(hfy_retrieve(&net, queries, B, out, NULL, &work) == HFY_OK);
  keys[(N - 1) * D] += 1; /* first and last row are looked at */
  for (i = 0; i < 4; i++) {
    net.max_steps = i % 2 ? 5 : 1;
    fill(out, B * D, 7);
    CHECK_FAILS(hfy_retrieve(&net, queries, i / 2 ? B : 1, out, NULL, &work), HFY_ERR_ARG, &work, "changed");
    CHECK(all_are(out, B * D, 7));
  }
  hfy_work_free(&work);
  free(memory);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(what_others_see_changes_no_bit);
  RUN(a_mask_leaves_what_is_alone);
  RUN(queries_that_see_nothing);
  RUN(weights_that_vanish_here_and_there);
  RUN(attention_in_a_batch_is_single_queries);
  RUN(heads_side_by_side);
  RUN(heads_that_cannot_be);
  RUN(batch_is_single_queries_to_the_bit);
  RUN(large_batch_is_single_queries_to_the_bit);
  RUN(queries_that_meet_go_where_each_would_alone);
  RUN(a_walk_that_ends_early_reads_its_last_step);
  RUN(a_walk_is_a_chain_of_single_steps);
  RUN(out_may_be_the_queries);
  RUN(strides);
  RUN(one_hot_copies_the_pattern_to_the_bit);
  RUN(one_pass_is_plain_small);
  RUN(one_pass_is_plain_in_tiles);
  RUN(one_pass_is_plain_when_everything_is_a_candidate);
  RUN(one_pass_is_plain_when_the_best_comes_last);
  RUN(one_pass_is_plain_with_many_ties);
  RUN(one_pass_is_plain_with_an_outlier);
  RUN(projections_of_many_rows_are_accurate);
  RUN(report_agrees_with_its_weights);
  RUN(the_best_ten_in_order);
  RUN(report_fields_alone_are_as_together);
  RUN(report_top_longer_than_the_memory);
  RUN(report_ties_by_index);
  RUN(report_energy_is_the_energy_of_the_states);
  RUN(nan_behind_a_power_beyond_the_range);
  RUN(signs_of_small_weights);
  RUN(check_fills_defaults_in);
  RUN(resolved_nets_are_the_same_nets);
  RUN(shapes_out_of_range);
  RUN(numbers_out_of_range);
  RUN(separations_out_of_range);
  RUN(posts_out_of_range);
  RUN(null_arguments);
  RUN(nan_queries_beside_good_ones);
  RUN(nan_patterns);
  RUN(states_beyond_the_range);
  RUN(a_readout_of_states_beyond_the_range);
  RUN(bounds_that_cannot_be_met);
  RUN(exp_memory_of_huge_scores);
  RUN(many_queries_and_patterns);
  RUN(an_index_of_changed_keys);
  return CHECK_END();
}
