/* test_work.c: scratch memory (grown, given, refused, failing) and instruction sets: every public function that takes a
   work. Messages. */
#include <stddef.h>
static void *counted_malloc(size_t bytes);
static void counted_free(void *pointer);
#ifdef TEST_LINKED /* library.c asks these */
extern void *(*library_malloc)(size_t bytes);
extern void (*library_free)(void *pointer);
#else
#define HFY_MALLOC(bytes) counted_malloc(bytes)
#define HFY_FREE(pointer) counted_free(pointer)
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"

/* An allocator that counts, and that fails at the call with number `fail_at` (from 1; 0 = never). */
static size_t live, calls, fail_at;

static void *counted_malloc(size_t bytes) {
  void *p;
  if (++calls == fail_at) return NULL;
  p = malloc(bytes ? bytes : 1);
  if (p) {
    live++;
    memset(p, 0xA7, bytes); /* scratch comes with anything in it */
  }
  return p;
}

static void counted_free(void *pointer) {
  if (pointer) live--;
  free(pointer);
}

/* --- one call of every public function that takes a work --- */

enum { N = 37, D = 11, B = 5, T = 3, V = 4 };
enum { S = 20, KP = 9, KN = 70, RP = 4, RN = 12 }; /* square matrices; kernel memories; rate networks */
static hfy_real keys[N * D], values[N * D], readout[N * V], queries[B * D], theta[B * N], weights[B * N],
    cotangent[B * N];
static hfy_real matrix[D * D], bias[N], self_coupling[D];
static double upper[N], lower[N], unary_of[N];
static hfy_structure structured;
static unsigned char file[8192];
static size_t file_size;
static char path[64];
static size_t six[2] = {3, 2};
static double general[S * S], symmetric[S * S], values_re[S], values_im[S], kernel_alpha[KP * KN];
static double dense[RP * RN], sparse[RP * RN], dense_w[RN * RN];
static hfy_real signs[N * D], classical[D * D];
static uint64_t patterns[KP * 2];
static hfy_kernel kernel;
static hfy_rate_averages averages;
static const hfy_rate soft_unit = {1, 1, -0.9, NULL}, hard_unit = {1, 0, -0.9, NULL};

/* all that any call writes */
static struct outputs {
  hfy_real real[B * N], more[N * D], top_weight[B * 3], weights[B * N], bytes_like[64];
  double number[B * (T + 1)], scalar, bound[N];
  size_t whole[4][B], top_index[B * 3], size;
  hfy_status status[B];
  hfy_net net;
  hfy_npy npy;
  unsigned char bytes[256];
  double table[KN * KN];
  uint64_t packed[64];
  signed char quantized[KP * KN];
  hfy_kernel_result trained;
  hfy_kernel_census census;
  hfy_kernel_spectrum spectrum;
  hfy_kernel_fisher fisher[4];
  hfy_kernel_margins margins;
  hfy_kernel_curvature curvature;
  hfy_rate_averages averages;
  hfy_rate_load load;
  hfy_rate_lead lead;
  hfy_rate_modes modes;
  hfy_rate_replica replica;
  hfy_rate_disc disc;
  hfy_rate unit;
  unsigned char room[8192]; /* an index, a partial */
  hfy_real tape[6144];      /* or gradients of parameters */
} out;

/* layers: of queries, over keys */
static hfy_layer a_layer;
static hfy_block a_block;
static const hfy_dense a_dense = {D, V, HFY_DENSE_GELU, 0};
static hfy_layer_input layer_in, block_in;
static hfy_real params[6144], layer_tape[6144], block_tape[6144], dense_out[B * V];
static hfy_param layer_table[16];
static size_t layer_entries, layer_params;
static hfy_index an_index;
static unsigned char index_room[4096], partials[3][8192]; /* of half the keys, of the others, of both */
static const hfy_index_options with_prefix = {4, 0, 0, HFY_SIM_DOT};
static hfy_net part_of(size_t from, size_t to);

static hfy_net a_net(void) {
  hfy_net net;
  memset(&net, 0, sizeof net);
  net.dim = D;
  net.count = N;
  net.keys = keys;
  net.max_steps = T;
  return net;
}

static void prepare(void) {
  hfy_rng rng = hfy_rng_seed(77);
  hfy_sep soft;
  size_t i, j;
  if (file_size) return;
  memset(&soft, 0, sizeof soft);
  for (i = 0; i < N * D; i++) {
    keys[i] = (hfy_real)hfy_rng_normal(&rng);
    values[i] = (hfy_real)hfy_rng_normal(&rng);
  }
  for (i = 0; i < N * V; i++) readout[i] = (hfy_real)hfy_rng_normal(&rng);
  for (i = 0; i < B * D; i++) queries[i] = (hfy_real)hfy_rng_normal(&rng);
  for (i = 0; i < B * N; i++) {
    theta[i] = (hfy_real)hfy_rng_normal(&rng);
    cotangent[i] = (hfy_real)hfy_rng_normal(&rng);
  }
  for (i = 0; i < D; i++)
    for (j = 0; j < D; j++) matrix[i * D + j] = (hfy_real)(i == j ? 2 : i + 1 == j || j + 1 == i ? -0.5 : 0);
  for (i = 0; i < N; i++) {
    upper[i] = 0.3;
    lower[i] = 0.001;
    bias[i] = (hfy_real)(0.1 * hfy_rng_normal(&rng));
  }
  for (i = 0; i < D; i++) self_coupling[i] = (hfy_real)0.1;
  for (i = 0; i < N; i++) unary_of[i] = hfy_rng_normal(&rng);
  structured = hfy_structure_at_most(N, 5);
  CHECK(hfy_sep_apply(&soft, theta, B, N, weights, NULL) == HFY_OK);
  CHECK(hfy_file_npy_header(six, 2, file, sizeof file, &file_size, NULL) == HFY_OK);
  memcpy(file + file_size, keys, 6 * sizeof *keys);
  file_size += 6 * sizeof *keys;
  snprintf(path, sizeof path, "test_base_%s.npy", CHECK_PRECISION);
  for (i = 0; i < S * S; i++) general[i] = hfy_rng_normal(&rng);
  for (i = 0; i < S; i++)
    for (j = 0; j < S; j++) symmetric[i * S + j] = general[i * S + j] + general[j * S + i];
  CHECK(hfy_eigenvalues(general, S, values_re, values_im, NULL) == HFY_OK);
  for (i = 0; i < N * D; i++) signs[i] = (hfy_real)hfy_rng_sign(&rng);
  CHECK(hfy_binary_weights(HFY_BINARY_HEBBIAN, signs, 3, D, 0, 0, classical, NULL) == HFY_OK);
  kernel.dim = KN;
  kernel.count = KP;
  kernel.patterns = patterns;
  kernel.gamma = 0.02;
  kernel.alpha = kernel_alpha;
  CHECK(hfy_kernel_random(KP, KN, &rng, patterns, NULL) == HFY_OK);
  CHECK(hfy_kernel_train(&kernel, NULL, kernel_alpha, NULL, NULL) == HFY_OK);
  CHECK(hfy_rate_patterns(&rng, 1, 1, RP, RN, dense, NULL) == HFY_OK);
  CHECK(hfy_rate_patterns(&rng, 1, 0.5, RP, RN, sparse, NULL) == HFY_OK);
  CHECK(hfy_rate_weights(&soft_unit, dense, RP, RN, 0, dense_w, NULL) == HFY_OK);
  CHECK(hfy_rate_theory(&soft_unit, 1, 1, &averages, NULL) == HFY_OK);
  for (i = 0; i < COUNT(params); i++) params[i] = (hfy_real)(0.3 * hfy_rng_normal(&rng));
  a_layer.width = a_block.self.width = a_block.cross.width = D;
  a_layer.extra_steps = 1, a_block.inner = 7;
  layer_in.bags = block_in.bags = 1;
  layer_in.stored = keys, layer_in.stored_each = N, layer_in.state = queries, layer_in.state_each = B;
  block_in.stored = queries, block_in.stored_each = B;
  CHECK(!hfy_layer_tape(&a_layer, &layer_in, &layer_in.tape_reals, NULL) && layer_in.tape_reals <= COUNT(layer_tape));
  CHECK(!hfy_layer_forward(&a_layer, params, &layer_in, out.real, layer_tape, NULL, NULL));
  CHECK(!hfy_layer_params(&a_layer, "", 0, layer_table, COUNT(layer_table), &layer_entries, &layer_params, NULL));
  CHECK(!hfy_block_tape(&a_block, &block_in, &layer_in, &block_in.tape_reals, NULL));
  CHECK(block_in.tape_reals <= COUNT(block_tape) && layer_params <= N * D * 2);
  CHECK(!hfy_block_forward(&a_block, params, &block_in, &layer_in, out.real, block_tape, NULL, NULL));
  CHECK(!hfy_dense_forward(&a_dense, params, queries, B, dense_out, NULL));
  CHECK(!hfy_index_build(keys, N, D, 0, &with_prefix, index_room, sizeof index_room, &an_index, NULL));
  for (i = 0; i < 3; i++) {
    hfy_net net = part_of(i == 1 ? N / 2 : 0, i ? N : N / 2);
    CHECK(!hfy_shard_find(&net, i == 1 ? N / 2 : 0, queries, B, 12, partials[i], sizeof partials[i], NULL));
  }
}

static hfy_net part_of(size_t from, size_t to) {
  hfy_net net = a_net();
  net.keys = keys + from * D, net.count = to - from, net.max_steps = 1, net.sep.kind = HFY_SEP_SPARSEMAX;
  return net;
}
static hfy_status run_shard_find(hfy_work *w) {
  hfy_net net = part_of(0, N);
  return hfy_shard_find(&net, 0, queries, B, 12, out.room, sizeof out.room, w);
}
static hfy_status run_shard_merge(hfy_work *w) {
  static unsigned char into[sizeof partials[0]];
  hfy_status status;
  memcpy(into, partials[0], sizeof into);
  status = hfy_shard_merge(into, sizeof into, partials[1], sizeof partials[1], w);
  if (!status) memcpy(out.room, into, sizeof into);
  CHECK(!status || same_bits(into, partials[0], sizeof into));
  return status;
}
static hfy_status run_shard_finish(hfy_work *w) {
  hfy_net net = part_of(0, N);
  return hfy_shard_finish(&net, queries, B, partials[2], sizeof partials[2], out.real, NULL, w);
}
static hfy_status run_index_build(hfy_work *w) {
  hfy_index index;
  hfy_status status = hfy_index_build(keys, N, D, 0, &with_prefix, out.room, sizeof out.room, &index, w);
  if (!status) out.size = index.bytes;
  return status;
}
static hfy_status run_index_update(hfy_work *w) {
  hfy_index index = an_index;
  unsigned char room[sizeof index_room];
  hfy_status status;
  index.data = memcpy(room + ((64 - (size_t)((uintptr_t)room & 63)) & 63), an_index.data, an_index.bytes);
  status = hfy_index_update(&index, keys, N - 1, D, 0, 1, 2, w);
  if (!status) memcpy(out.room, index.data, out.size = index.bytes);
  return status;
}
static hfy_status run_index_remove(hfy_work *w) {
  hfy_index index = an_index;
  unsigned char room[sizeof index_room];
  hfy_status status;
  index.data = memcpy(room + ((64 - (size_t)((uintptr_t)room & 63)) & 63), an_index.data, an_index.bytes);
  status = hfy_index_remove(&index, 1, 2, w);
  if (!status) memcpy(out.room, index.data, out.size = index.bytes);
  return status;
}
static hfy_status run_index_check(hfy_work *w) { return hfy_index_check(&an_index, keys, N, D, 0, w); }
static hfy_status run_index_scores(hfy_work *w) {
  return hfy_index_scores(&an_index, HFY_SIM_DOT, 1, queries, B, out.real, out.number, w);
}
static hfy_status run_index_top(hfy_work *w) {
  return hfy_index_top(&an_index, HFY_SIM_DOT, 1, queries, B, 3, out.top_index, out.real, out.number, out.whole[0], w);
}
static hfy_status run_index_project(hfy_work *w) {
  const size_t rows[] = {2, 0};
  return hfy_index_project(&an_index, rows, 2, queries, out.real, out.number, w);
}

static hfy_status run_layer_check(hfy_work *w) {
  hfy_layer full;
  hfy_status status = hfy_layer_check(&a_layer, &full, w);
  if (!status) out.size = full.head_width;
  return status;
}
static hfy_status run_layer_params(hfy_work *w) {
  return hfy_layer_params(&a_layer, "", 0, NULL, 0, out.whole[0], &out.size, w);
}
static hfy_status run_layer_tape(hfy_work *w) { return hfy_layer_tape(&a_layer, &layer_in, &out.size, w); }
static hfy_status run_layer_forward(hfy_work *w) {
  return hfy_layer_forward(&a_layer, params, &layer_in, out.real, out.tape, NULL, w);
}
static hfy_status run_layer_backward(hfy_work *w) {
  hfy_layer_grad grad = {out.tape, out.more, out.real, NULL, NULL};
  return hfy_layer_backward(&a_layer, params, &layer_in, layer_tape, cotangent, &grad, w);
}
static hfy_status run_block_params(hfy_work *w) {
  return hfy_block_params(&a_block, "", 0, NULL, 0, out.whole[0], &out.size, w);
}
static hfy_status run_block_tape(hfy_work *w) { return hfy_block_tape(&a_block, &block_in, &layer_in, &out.size, w); }
static hfy_status run_block_forward(hfy_work *w) {
  return hfy_block_forward(&a_block, params, &block_in, &layer_in, out.real, out.tape, NULL, w);
}
static hfy_status run_block_backward(hfy_work *w) {
  static hfy_real tape[COUNT(block_tape)];
  hfy_layer_grad grad = {out.tape, out.real, NULL, out.more, NULL};
  memcpy(tape, block_tape, sizeof tape);
  return hfy_block_backward(&a_block, params, &block_in, &layer_in, tape, cotangent, &grad, w);
}
static hfy_status run_dense_params(hfy_work *w) {
  return hfy_dense_params(&a_dense, "", 0, NULL, 0, out.whole[0], &out.size, w);
}
static hfy_status run_dense_forward(hfy_work *w) {
  return hfy_dense_forward(&a_dense, params, queries, B, out.real, w);
}
static hfy_status run_dense_backward(hfy_work *w) {
  hfy_real *to[2];
  to[0] = out.real, to[1] = out.tape;
  return hfy_dense_backward(&a_dense, params, queries, dense_out, cotangent, B, to, w);
}
static hfy_status run_optimiser_step(hfy_work *w) {
  static hfy_real now[COUNT(params)], moments[2 * COUNT(params)];
  hfy_optimiser how;
  hfy_status status;
  memset(&how, 0, sizeof how), memset(moments, 0, sizeof moments);
  how.clip = 1;
  memcpy(now, params, sizeof now);
  status = hfy_optimiser_step(&how, layer_table, layer_entries, now, layer_tape, moments, &out.scalar, w);
  if (!status) memcpy(out.tape, now, sizeof now);
  CHECK(!status || same_bits(now, params, sizeof now));
  return status;
}

static hfy_status run_scores(hfy_work *w) {
  return hfy_sim_scores(HFY_SIM_DOT, 1, keys, N, D, 0, queries, B, out.real, w);
}
static hfy_status run_cosine(hfy_work *w) {
  return hfy_sim_scores(HFY_SIM_COSINE, 1, keys, N, D, 0, queries, B, out.real, w);
}

static hfy_sep which_sep;
static hfy_status run_apply(hfy_work *w) { return hfy_sep_apply(&which_sep, theta, B, N, out.real, w); }
static hfy_status run_conjugate(hfy_work *w) { return hfy_sep_conjugate(&which_sep, theta, B, N, out.number, w); }
static hfy_status run_value(hfy_work *w) { return hfy_sep_value(&which_sep, weights, B, N, out.number, w); }
static hfy_status run_loss(hfy_work *w) { return hfy_sep_loss(&which_sep, theta, weights, B, N, out.number, w); }
static hfy_status run_vjp(hfy_work *w) {
  hfy_sep_grad grad;
  memset(&grad, 0, sizeof grad);
  grad.theta = out.real;
  if (which_sep.kind == HFY_SEP_ENTMAX) grad.alpha = &out.scalar;
  if (which_sep.kind == HFY_SEP_NORMMAX) grad.gamma = &out.scalar;
  if (which_sep.upper) grad.upper = out.bound;
  return hfy_sep_vjp(&which_sep, theta, weights, cotangent, B, N, &grad, w);
}

static size_t lists[2 * 9] = {0, 1, 2, 37, 38, 0, 0, 0, 0, 0, 1, 3, 37}, lengths[2] = {5, 4};
static hfy_status run_map(hfy_work *w) {
  return hfy_structure_map(&structured, unary_of, NULL, out.whole[0], &out.size, &out.scalar, w);
}
static hfy_status run_solve(hfy_work *w) {
  hfy_structure_answer answer;
  hfy_status status;
  memset(&answer, 0, sizeof answer);
  answer.unary = out.bound;
  status = hfy_structure_solve(&structured, 1, unary_of, NULL, &answer, w);
  if (!status) out.scalar = answer.value;
  return status;
}
static hfy_status run_structure_vjp(hfy_work *w) {
  hfy_structure sequence = hfy_structure_sequence(N, 5);
  sequence.most = 9;
  return hfy_structure_vjp(&sequence, 1, 2, lengths, lists, unary_of, out.bound, NULL, w);
}
static hfy_status run_structure_loss(hfy_work *w) {
  return hfy_structure_loss(&structured, 1, unary_of, NULL, lists, 3, &out.scalar, w);
}
static hfy_status run_structure_margin(hfy_work *w) {
  return hfy_structure_margin(&structured, 1, unary_of, NULL, lists, 3, &out.scalar, w);
}
static hfy_theory_association association;
static hfy_status run_association(hfy_work *w) {
  hfy_net net = a_net();
  hfy_status status;
  net.sep.kind = HFY_SEP_KSUBSETS;
  net.sep.k = 3;
  status = hfy_theory_associates(&net, lists, 3, &association, w);
  if (!status) out.scalar = association.radius;
  return status;
}

static hfy_status separate(hfy_sep_kind kind, double *separation, double *radius, hfy_work *w) {
  hfy_net net = a_net();
  hfy_theory_separation what;
  net.sep.kind = kind;
  memset(&what, 0, sizeof what);
  what.separation = separation;
  what.radius = radius;
  return hfy_theory_separate(&net, &what, w);
}
static hfy_status run_separate(hfy_work *w) { return separate(HFY_SEP_SPARSEMAX, NULL, out.bound, w); }
static hfy_status run_theory_retrieves(hfy_work *w) {
  hfy_net net = a_net();
  net.sep.kind = HFY_SEP_KSUBSETS;
  net.sep.k = 3;
  return hfy_theory_retrieves(&net, queries, B, out.number, out.top_index, w);
}
static hfy_status run_bound_energy(hfy_work *w) {
  hfy_net net = a_net();
  return hfy_theory_bound_energy(&net, queries, B, out.number, &out.scalar, w);
}
static hfy_status run_converges(hfy_work *w) {
  hfy_net net = a_net();
  hfy_theory_convergence c;
  hfy_status status = hfy_theory_converges(&net, 2, queries, &c, w);
  if (!status) {
    out.scalar = c.error;
    out.size = c.steps;
  }
  return status;
}
static hfy_status run_jacobian(hfy_work *w) {
  static double jacobian[D * D];
  hfy_net net = a_net();
  hfy_theory_jacobian_norm norms = {0};
  hfy_status status = hfy_theory_jacobian(&net, queries, jacobian, &norms, w);
  if (!status) out.scalar = norms.norm, memcpy(out.bound, jacobian, sizeof out.bound);
  return status;
}
static hfy_status run_metastable(hfy_work *w) {
  hfy_real p[2 * N];
  size_t i;
  for (i = 0; i < 2 * N; i++) p[i] = (hfy_real)(1.0 / N);
  return hfy_theory_metastable(p, 2, N, 0, out.whole[0], w);
}
static hfy_status run_classify(hfy_work *w) {
  int operating;
  hfy_status status = hfy_theory_classify(lengths, 2, N, &operating, &out.scalar, w);
  if (!status) out.size = (size_t)operating;
  return status;
}
static hfy_recall how_to_recall;
static hfy_status run_recall_next(hfy_work *w) {
  static double left[N];
  static hfy_real query[D], weight[N];
  hfy_recall_state state;
  static unsigned char room[1 << 16];
  hfy_work apart;
  hfy_net net = a_net();
  hfy_status status;
  size_t item;
  memset(&state, 0, sizeof state);
  net.sep.kind = HFY_SEP_ENTMAX;
  state.left = left;
  state.query = query;
  state.weights = weight;
  memset(&apart, 0, sizeof apart);
  apart.buffer = room; /* only the next call is judged */
  apart.capacity = sizeof room;
  if (hfy_recall_begin(&net, &how_to_recall, keys, &state, &apart)) return HFY_ERR_ARG;
  status = hfy_recall_next(&net, &how_to_recall, &state, &item, w);
  if (!status) out.size = item, memcpy(out.bound, left, sizeof left), memcpy(out.weights, weight, sizeof weight);
  return status;
}
static hfy_status run_recall_all(hfy_work *w) {
  hfy_net net = a_net();
  net.sep.kind = HFY_SEP_ENTMAX;
  return hfy_recall_all(&net, &how_to_recall, keys, B, out.whole[0], &out.size, w);
}
static hfy_status run_recall_unique(hfy_work *w) { return hfy_recall_unique(lengths, 2, N, &out.scalar, w); }
static hfy_status run_recall_levenshtein(hfy_work *w) {
  return hfy_recall_levenshtein(lengths, 2, lists, 3, &out.size, &out.scalar, w);
}
static hfy_status run_recall_bias(hfy_work *w) { return hfy_recall_bias(0.5, 2, B, N, out.weights, w); }

static hfy_post which_post;
static hfy_status run_post(hfy_work *w) { return hfy_post_apply(&which_post, queries, NULL, B, D, out.real, w); }
static hfy_status run_post_value(hfy_work *w) { return hfy_post_value(&which_post, queries, B, D, out.number, w); }
static hfy_status run_post_conjugate(hfy_work *w) {
  return hfy_post_conjugate(&which_post, queries, B, D, out.number, w);
}
static hfy_status run_post_vjp(hfy_work *w) {
  hfy_post_grad grad;
  memset(&grad, 0, sizeof grad);
  grad.z = out.real;
  if (which_post.kind == HFY_POST_LAYERNORM) {
    grad.gain = out.more;
    grad.delta = out.more + D;
  }
  if (which_post.kind == HFY_POST_LINEAR) grad.matrix = out.more;
  return hfy_post_vjp(&which_post, queries, cotangent, B, D, &grad, w);
}

static hfy_net which_net;
/* member by member: `out` is compared byte by byte, and copies of structs need not keep what lies between members */
static hfy_status run_check(hfy_work *w) {
  hfy_net full;
  hfy_status status = hfy_net_check(&which_net, &full, w);
  if (status) return status;
  out.net.dim = full.dim;
  out.net.count = full.count;
  out.net.max_steps = full.max_steps;
  out.net.key_stride = full.key_stride;
  out.net.value_stride = full.value_stride;
  out.net.readout_stride = full.readout_stride;
  out.net.bias_stride = full.bias_stride;
  out.net.beta = full.beta;
  out.net.step = full.step;
  out.net.tol = full.tol;
  out.net.sep.kind = full.sep.kind;
  out.net.sep.alpha = full.sep.alpha;
  out.net.sep.gamma = full.sep.gamma;
  out.net.sep.k = full.sep.k;
  out.net.post.kind = full.post.kind;
  out.net.post.beta = full.post.beta;
  return status;
}
static hfy_status run_energy(hfy_work *w) { return hfy_energy(&which_net, queries, B, out.number, w); }
static const double own_betas[B] = {0.5, 0, 2};
static hfy_status run_energy_vjp(hfy_work *w) {
  static const double each[B] = {1, -1, 0.5};
  hfy_grad grad;
  memset(&grad, 0, sizeof grad);
  grad.queries = out.real;
  return hfy_energy_vjp(&which_net, queries, B, each, &grad, w);
}
static hfy_status run_energy_gradient(hfy_work *w) { return hfy_energy_gradient(&which_net, queries, B, out.real, w); }
static hfy_status run_constant(hfy_work *w) { return hfy_energy_constant(&which_net, HFY_ENERGY_FY, &out.scalar, w); }
static hfy_status run_heads(hfy_work *w) {
  hfy_net half = which_net;
  hfy_heads heads;
  memset(&heads, 0, sizeof heads);
  heads.count = half.sep.structure || half.index ? 1 : 2;
  half.count /= heads.count;
  return hfy_retrieve_heads(&half, &heads, queries, B / heads.count, out.real, w);
}
static hfy_status run_retrieve(hfy_work *w) { return hfy_retrieve(&which_net, queries, B, out.real, NULL, w); }
static hfy_status run_report(hfy_work *w) {
  hfy_report r;
  memset(&r, 0, sizeof r);
  r.status = out.status;
  r.best = out.whole[0];
  r.support = out.whole[1];
  r.steps = out.whole[2];
  r.residual = out.bound;
  r.top = 3;
  r.top_index = out.top_index;
  r.top_weight = out.top_weight;
  r.best_score = out.more;
  r.top_score = out.more + B;
  r.weights = out.weights;
  if (!which_net.values && which_net.sim == HFY_SIM_DOT) r.energy = out.number;
  return hfy_retrieve(&which_net, queries, B, out.real, &r, w);
}
static hfy_status run_retrieve_vjp(hfy_work *w) {
  hfy_grad grad;
  memset(&grad, 0, sizeof grad);
  grad.queries = out.real;
  grad.keys = out.more;
  grad.beta = &out.scalar;
  return hfy_retrieve_vjp(&which_net, queries, B, cotangent, &grad, w);
}

/* eigenvalues, spectra */
static hfy_status run_eigenvalues(hfy_work *w) { return hfy_eigenvalues(general, S, out.table, out.table + S, w); }
static hfy_status run_eigenvectors(hfy_work *w) {
  return hfy_eigenvectors(general, S, values_re, values_im, S, out.table, out.table + S * S, out.bound, w);
}
static hfy_status run_eigen(hfy_work *w) { return hfy_linalg_eigen(symmetric, S, out.table, NULL, w); }
static hfy_status run_eigen_vectors(hfy_work *w) { return hfy_linalg_eigen(symmetric, S, out.bound, out.table, w); }
static hfy_status run_svd(hfy_work *w) {
  return hfy_linalg_svd(general, S - 8, S, out.bound, out.table, out.table + S * S, w);
}
static hfy_status run_pinv(hfy_work *w) { return hfy_linalg_pinv(general, S - 8, S, 0, out.table, &out.size, w); }

/* more theory */
static hfy_status run_separation(hfy_work *w) { return separate(HFY_SEP_ENTMAX, out.bound, NULL, w); }
static hfy_status run_dimension(hfy_work *w) { return hfy_theory_dimension(1, 2.2, 2, 0.5, &out.scalar, w); }
static hfy_status run_slack(hfy_work *w) {
  return hfy_theory_slack(HFY_THEORY_PLACED, 50, 1, 3, 2, &out.scalar, w);
}
static hfy_status run_capacity_binary(hfy_work *w) {
  return hfy_theory_capacity_binary(0.1, 50, &out.scalar, out.bound, w);
}
static const hfy_theory_sphere sphere = {50, 1, 5, 0.1, 0.01, 0, 0};
static hfy_status run_capacity_exact(hfy_work *w) {
  return hfy_theory_capacity_exact(&sphere, (hfy_theory_exact *)(void *)out.table, w);
}
static hfy_status run_capacity_softmax(hfy_work *w) {
  return hfy_theory_capacity_softmax(&sphere, (hfy_theory_softmax *)(void *)out.table, w);
}
static hfy_status run_jacobian_softmax(hfy_work *w) {
  return hfy_theory_jacobian_softmax(weights, B, N, 1, out.number, out.bound, w);
}
static hfy_status run_settles(hfy_work *w) {
  const hfy_net net = a_net();
  return hfy_theory_settles(&net, six, 2, keys, (hfy_theory_metastability *)(void *)out.table, w);
}
static hfy_status run_lambert(hfy_work *w) { return hfy_theory_lambert(0, 2, &out.scalar, w); }
static hfy_status run_recall_begin(hfy_work *w) {
  hfy_recall_state state;
  hfy_net net = a_net();
  memset(&state, 0, sizeof state);
  state.left = out.bound;
  state.query = out.more;
  state.weights = out.weights;
  return hfy_recall_begin(&net, &how_to_recall, keys, &state, w);
}

/* binary memories */
static hfy_binary which_binary;
static int which_rule;
static hfy_status run_binary_weights(hfy_work *w) {
  return hfy_binary_weights((hfy_binary_rule)which_rule, signs, 6, D, 0, 0, out.real, w);
}
static hfy_status run_binary_net(hfy_work *w) {
  hfy_real *duals = which_rule ? out.more : NULL;
  return hfy_binary_net((hfy_binary_rule)which_rule, signs, 6, D, 0, duals, out.real, &out.net, w);
}
static hfy_status run_binary_recall(hfy_work *w) {
  hfy_binary_report report;
  memset(&report, 0, sizeof report);
  report.sweeps = out.whole[0];
  report.flips = out.whole[1];
  report.period = out.whole[2];
  report.energy = out.table;
  report.log_energy = out.table + 500;
  return hfy_binary_recall(&which_binary, signs + 20 * D, B, out.real, &report, w);
}
static hfy_status run_binary_energy(hfy_work *w) {
  return hfy_binary_energy(&which_binary, signs, B, out.bound, out.number, w);
}

/* kernel memories */
static hfy_kernel which_kernel;
static int which_trainer;
static hfy_status run_kernel_pack(hfy_work *w) { return hfy_kernel_pack(signs, N, D, out.packed, w); }
static hfy_status run_kernel_unpack(hfy_work *w) { return hfy_kernel_unpack(patterns, 2, KN, out.more, w); }
static hfy_status run_kernel_gram(hfy_work *w) { return hfy_kernel_gram(&kernel, out.table, w); }
static hfy_status run_kernel_train(hfy_work *w) {
  hfy_kernel_training how;
  memset(&how, 0, sizeof how);
  how.trainer = (hfy_kernel_trainer)which_trainer;
  return hfy_kernel_train(&kernel, &how, out.table, &out.trained, w);
}
static hfy_status run_kernel_train_margin(hfy_work *w) {
  return hfy_kernel_train_margin(&kernel, NULL, out.table, &out.margins, w);
}
static hfy_status run_kernel_bound(hfy_work *w) { return hfy_kernel_bound(&kernel, out.table, w); }
static hfy_status run_kernel_quantize(hfy_work *w) {
  return hfy_kernel_quantize(kernel_alpha, KP * KN, out.quantized, &out.scalar, w);
}
static hfy_real kernel_keys[KP * KN], kernel_values[KP * KN];
static hfy_status run_kernel_net(hfy_work *w) {
  hfy_status status = hfy_kernel_net(&kernel, kernel_keys, kernel_values, &out.net, w);
  if (!status) {
    out.real[0] = kernel_keys[KP];
    out.real[1] = kernel_values[KP];
  }
  return status;
}
static hfy_status run_kernel_recall(hfy_work *w) {
  hfy_kernel_report report;
  memset(&report, 0, sizeof report);
  report.steps = out.whole[0];
  report.period = out.whole[1];
  report.flips = out.whole[2];
  return hfy_kernel_recall(&which_kernel, patterns, B, out.packed, &report, w);
}
static hfy_status run_kernel_potentials(hfy_work *w) {
  return hfy_kernel_potentials(&which_kernel, patterns, B, out.table, out.number, w);
}
static hfy_status run_kernel_flip(hfy_work *w) {
  hfy_rng rng = hfy_rng_seed(4);
  return hfy_kernel_flip(patterns, KP, KN, 7, &rng, out.packed, w);
}
static hfy_status run_kernel_random(hfy_work *w) {
  hfy_rng rng = hfy_rng_seed(4);
  return hfy_kernel_random(KP, KN, &rng, out.packed, w);
}
static hfy_status run_kernel_stored(hfy_work *w) { return hfy_kernel_stored(&kernel, &out.scalar, out.bound, w); }
static hfy_status run_kernel_basins(hfy_work *w) {
  static const size_t flips[] = {2, 20};
  hfy_rng rng = hfy_rng_seed(4);
  return hfy_kernel_basins(&kernel, KP, flips, 2, &rng, out.bound, out.number, w);
}
static hfy_status run_kernel_explore(hfy_work *w) {
  hfy_rng rng = hfy_rng_seed(4);
  return hfy_kernel_explore(&kernel, 10, &rng, &out.census, w);
}
static hfy_status run_kernel_forces(hfy_work *w) {
  hfy_kernel_geometry geometry;
  hfy_status status = hfy_kernel_forces(&kernel, general, 1, out.table, out.table + KN, &geometry, w);
  if (!status) out.scalar = geometry.interference;
  return status;
}
static hfy_status run_kernel_hessian(hfy_work *w) { return hfy_kernel_hessian(&kernel, general, out.table, w); }
static hfy_status run_kernel_curvatures(hfy_work *w) {
  return hfy_kernel_curvatures(&kernel, 3, general, NULL, 0.01, &out.curvature, out.bound, out.table, w);
}
static hfy_status run_kernel_spectra(hfy_work *w) {
  double *to = out.table;
  return hfy_kernel_spectra(&kernel, NULL, &out.spectrum, to, to + KP, to + 2 * KP, to + 3 * KP, w);
}
static hfy_status run_kernel_information(hfy_work *w) {
  return hfy_kernel_information(&kernel, 3, general, NULL, 0.01, 1e-3, out.fisher, out.bound, out.table, w);
}
static int which_way;
static hfy_status run_kernel_follow(hfy_work *w) {
  hfy_kernel_path way;
  hfy_status status;
  memset(&way, 0, sizeof way);
  way.principal = out.table;
  way.tail = out.table + 4;
  way.progress = out.table + 8;
  way.deviation = out.table + 12;
  way.fisher = out.fisher;
  way.divergence = out.table + 16;
  way.leading = out.table + 20;
  way.trailing = out.table + 24;
  way.way = (hfy_kernel_way)which_way;
  way.neurons = 2;
  status = hfy_kernel_follow(&kernel, 3, NULL, 0, 0, 3, 0, 1e-3, &way, w);
  if (!status) out.scalar = way.sum_principal;
  return status;
}

/* rate networks */
static hfy_status run_rate_patterns(hfy_work *w) {
  hfy_rng rng = hfy_rng_seed(4);
  return hfy_rate_patterns(&rng, 1, 0.5, RP, RN, out.table, w);
}
static hfy_status run_rate_perturb(hfy_work *w) {
  hfy_rng rng = hfy_rng_seed(4);
  return hfy_rate_perturb(&rng, dense, RP, RN, 0.1, 0.25, out.table, w);
}
static hfy_status run_rate_weights(hfy_work *w) {
  return hfy_rate_weights(&soft_unit, dense, RP, RN, which_rule, out.table, w);
}
static hfy_status run_rate_sparse(hfy_work *w) {
  return hfy_rate_weights_sparse(&hard_unit, sparse, RP, RN, 0, out.table, NULL, w);
}
static hfy_status run_rate_masked(hfy_work *w) {
  static signed char weight[RN * RN];
  const hfy_rate_mask mask = {NULL, weight};
  weight[1] = 2;
  return hfy_rate_weights_masked(&hard_unit, sparse, RP, RN, 0, &mask, out.table, NULL, w);
}
static hfy_status run_rate_net(hfy_work *w) {
  return hfy_rate_net(&soft_unit, dense, RP, RN, 0, 1, out.real, out.more, out.weights, &out.net, w);
}
static hfy_status run_rate_jacobian(hfy_work *w) {
  return hfy_rate_jacobian(&soft_unit, dense_w, dense, RN, out.table, w);
}
static hfy_status run_rate_spectrum(hfy_work *w) {
  return hfy_rate_spectrum(&soft_unit, dense_w, dense, RN, out.table, out.table + RN, &out.modes, w);
}
static hfy_status run_rate_stability(hfy_work *w) {
  return hfy_rate_stability(&soft_unit, dense_w, dense, RP, RN, out.bound, &out.size, w);
}
static hfy_status run_rate_tight(hfy_work *w) {
  return hfy_rate_tight(&hard_unit, dense_w, sparse, RP, RN, out.whole[0], w);
}
static hfy_status run_rate_threshold(hfy_work *w) {
  hfy_rate_search search;
  memset(&search, 0, sizeof search);
  search.grid = 3;
  search.steps = 1;
  return hfy_rate_threshold(which_rule ? &hard_unit : &soft_unit, which_rule ? sparse : dense, RP, RN, &search,
                            &out.scalar, out.bound, w);
}
static hfy_status run_rate_henrici(hfy_work *w) { return hfy_rate_henrici(general, S, &out.scalar, w); }
static hfy_status run_rate_theory(hfy_work *w) { return hfy_rate_theory(&soft_unit, 1, 1, &out.averages, w); }
static hfy_status run_rate_theory_of(hfy_work *w) {
  return hfy_rate_theory_of(&soft_unit, dense, NULL, RP * RN, 1, &out.averages, w);
}
static hfy_status run_rate_at_load(hfy_work *w) {
  return hfy_rate_at_load(&averages, 0.3, &out.load, w);
}
static hfy_status run_rate_bulk_load(hfy_work *w) {
  return hfy_rate_bulk_load(&soft_unit, 0.5, 1, 50, &out.scalar, w);
}
static hfy_status run_rate_bulk_edge(hfy_work *w) {
  return hfy_rate_bulk_edge(&soft_unit, 1, 0.3, 1, 0, &out.scalar, w);
}
static hfy_status run_rate_leading(hfy_work *w) {
  hfy_rate_rates rates;
  memset(&rates, 0, sizeof rates);
  if (which_rule) {
    rates.r = dense;
    rates.n = RP * RN;
  } else {
    rates.cv = 1;
  }
  return hfy_rate_leading(&soft_unit, &rates, 0.3, 1, &out.lead, w);
}
static hfy_status run_rate_critical_load(hfy_work *w) {
  hfy_rate_rates rates;
  memset(&rates, 0, sizeof rates);
  rates.cv = 1;
  rates.units = 50;
  return hfy_rate_critical_load(&soft_unit, &rates, 0, &out.scalar, w);
}
static hfy_status run_rate_optimum(hfy_work *w) {
  static const hfy_rate_grid grid = {0.9, 0.1, 2, -1, 0.5, 2};
  return hfy_rate_optimum(1, &grid, &out.unit, &out.scalar, w);
}
static hfy_status run_rate_capacity(hfy_work *w) { return hfy_rate_capacity(0.5, &out.scalar, out.bound, w); }
static hfy_status run_rate_replica(hfy_work *w) {
  return hfy_rate_solve_replica(&hard_unit, 1, 0.5, 0.3, &out.replica, w);
}
static hfy_status run_rate_replica_of(hfy_work *w) {
  return hfy_rate_solve_replica_of(&soft_unit, dense, NULL, RP * RN, 1, 0.3, &out.replica, w);
}
static hfy_status run_rate_disc(hfy_work *w) { return hfy_rate_circular_law(0.3, 0.5, 1, 1, 1, &out.disc, w); }
static hfy_status run_rate_simulate(hfy_work *w) {
  hfy_rate_options o;
  hfy_rate_outcome outcome;
  memset(&o, 0, sizeof o), memset(&outcome, 0, sizeof outcome);
  o.duration = 1;
  o.tol = -1;
  o.rtol = which_rule ? 1e-6 : 0;
  outcome.status = out.status;
  outcome.time = out.number;
  outcome.speed = out.bound;
  outcome.steps = out.whole[0];
  return hfy_rate_simulate(&soft_unit, dense_w, RN, dense, RP, &o, out.table, &outcome, w);
}
static hfy_status run_rate_run(hfy_work *w) {
  hfy_rng rng[RP];
  hfy_rate_course course;
  size_t i;
  for (i = 0; i < RP; i++) rng[i] = hfy_rng_seed(i);
  memset(&course, 0, sizeof course);
  course.steps = 5;
  course.noise = 0.1;
  course.delay = 2;
  return hfy_rate_run(&soft_unit, dense_w, RN, dense, RP, &course, rng, out.table, NULL, w);
}
static hfy_status run_rate_fixed(hfy_work *w) {
  hfy_rate_points points = {NULL, NULL, NULL, NULL};
  points.abscissa = out.bound;
  points.first = out.whole[0];
  return hfy_rate_fixed_points(&soft_unit, dense_w, RN, dense, RP, out.table, &points, w);
}
static hfy_status run_rate_basin(hfy_work *w) {
  hfy_rng rng = hfy_rng_seed(4);
  hfy_rate_basin_options o;
  memset(&o, 0, sizeof o);
  o.trials = 2;
  o.bisections = 1;
  o.run.duration = 1;
  o.run.tol = -1;
  return hfy_rate_basin(&soft_unit, dense_w, dense, RN, &rng, &o, &out.scalar, w);
}

static hfy_status run_npy_parse(hfy_work *w) { return hfy_file_npy_parse(file, file_size, &out.npy, w); }
static hfy_status run_npy_decode(hfy_work *w) { return hfy_file_npy_decode(file, file_size, out.real, 6, &out.npy, w); }
static hfy_status run_npy_decode_double(hfy_work *w) {
  return hfy_file_npy_decode_double(file, file_size, out.number, 6, &out.npy, w);
}
static hfy_status run_npy_header_double(hfy_work *w) {
  return hfy_file_npy_header_double(six, 2, out.bytes, sizeof out.bytes, &out.size, w);
}
static hfy_status run_npy_header(hfy_work *w) {
  return hfy_file_npy_header(six, 2, out.bytes, sizeof out.bytes, &out.size, w);
}
static const hfy_param a_param = {"a", 0, 6, 1, {6, 0, 0}, HFY_PARAM_NORMAL, 0, 0, 0};
static hfy_status run_param_init(hfy_work *w) {
  hfy_rng rng = hfy_rng_seed(9);
  return hfy_param_init(&a_param, 1, &rng, out.real, w);
}
static hfy_status run_safe_encode(hfy_work *w) {
  return hfy_file_safetensors_encode(&a_param, 1, keys, out.bytes, sizeof out.bytes, &out.size, w);
}
static hfy_status run_safe_decode(hfy_work *w) {
  static unsigned char bytes[256];
  static size_t size;
  if (!size && hfy_file_safetensors_encode(&a_param, 1, keys, bytes, sizeof bytes, &size, NULL)) size = 0;
  return hfy_file_safetensors_decode(bytes, size, &a_param, 1, out.real, w);
}
static hfy_status run_safe_write(hfy_work *w) { return hfy_file_safetensors_write(path, &a_param, 1, keys, w); }
static hfy_status run_safe_read(hfy_work *w) { return hfy_file_safetensors_read(path, &a_param, 1, out.real, w); }
static hfy_status run_npy_write(hfy_work *w) { return hfy_file_npy_write(path, keys, six, 2, w); }
static hfy_status run_npy_write_double(hfy_work *w) { return hfy_file_npy_write_double(path, upper, six, 2, w); }
static hfy_status run_npy_read_double(hfy_work *w) {
  return hfy_file_npy_read_double(path, out.number, 6, &out.npy, w);
}
static hfy_status run_npy_info(hfy_work *w) { return hfy_file_npy_info(path, &out.npy, w); }
static hfy_status run_npy_read(hfy_work *w) { return hfy_file_npy_read(path, out.real, 6, &out.npy, w); }

typedef hfy_status run_call(hfy_work *work);

/* Hands every call with many settings to `judge`; counts those that need scratch. */
static size_t each_call(void (*judge)(run_call *run, const char *name)) {
  static const hfy_sep zero_sep;
  static const hfy_post zero_post;
  hfy_sep more = zero_sep;
  int i;
  prepare();
  judge(run_scores, "sim_scores");
  judge(run_cosine, "sim_scores cosine");
  for (i = 0; i < 18; i++) {
    which_sep = zero_sep;
    which_sep.kind = i < 12   ? (hfy_sep_kind)i
                     : i < 15 ? HFY_SEP_ENTMAX
                     : i < 17 ? HFY_SEP_NORMMAX
                              : HFY_SEP_SPARSEMAX;
    which_sep.k = i == HFY_SEP_KSUBSETS || i == HFY_SEP_SEQUENCE_KSUBSETS || i == HFY_SEP_ARGMAX ? 3 : 0;
    which_sep.structure = &structured;
    if (i == 12) which_sep.alpha = 1.2;
    if (i == 13) which_sep.alpha = 4;
    if (i == 14) {
      more.kind = HFY_SEP_KSUBSETS;
      more.k = 2;
      which_sep.plus = &more;
    }
    if (i == 15) which_sep.gamma = 5;
    if (i == 16) which_sep.gamma = 1.5;
    if (i == 17) {
      which_sep.upper = upper;
      which_sep.lower = lower;
    }
    judge(run_apply, "sep_apply");
    judge(run_conjugate, "sep_conjugate");
    judge(run_vjp, "sep_vjp");
    judge(run_value, "sep_value");
    judge(run_loss, "sep_loss");
  }
  judge(run_map, "structure_map");
  judge(run_solve, "structure_solve");
  judge(run_structure_vjp, "structure_vjp");
  judge(run_structure_loss, "structure_loss");
  judge(run_structure_margin, "structure_margin");
  judge(run_association, "theory_association");
  judge(run_separate, "theory_separate");
  judge(run_theory_retrieves, "theory_retrieves");
  judge(run_bound_energy, "theory_bound_energy");
  judge(run_converges, "theory_converges");
  judge(run_jacobian, "theory_jacobian");
  judge(run_metastable, "theory_metastable");
  judge(run_classify, "theory_classify");
  for (i = 0; i < 3; i++) {
    how_to_recall.kind = (hfy_recall_kind)i;
    judge(run_recall_next, "recall_next");
    judge(run_recall_all, "recall_all");
  }
  judge(run_recall_unique, "recall_unique");
  judge(run_recall_levenshtein, "recall_levenshtein");
  judge(run_recall_bias, "recall_bias");
  for (i = 0; i < 7; i++) {
    which_post = zero_post;
    which_post.kind = (hfy_post_kind)i;
    which_post.matrix = matrix;
    judge(run_post, "post_apply");
    judge(run_post_value, "post_value");
    judge(run_post_conjugate, "post_conjugate");
    judge(run_post_vjp, "post_vjp");
  }
  for (i = 0; i < 16; i++) {
    which_net = a_net();
    if (i == 1) which_net.sep.kind = HFY_SEP_SPARSEMAX;
    if (i == 2) {
      which_net.sep.kind = HFY_SEP_ENTMAX;
      which_net.bias = bias;
    }
    if (i == 3) {
      which_net.sep.kind = HFY_SEP_NORMMAX;
      which_net.post.kind = HFY_POST_LAYERNORM;
    }
    if (i == 4) {
      which_net.sep.kind = HFY_SEP_KSUBSETS;
      which_net.sep.k = 2.5;
    }
    if (i == 5) {
      which_net.sep.kind = HFY_SEP_EXP;
      which_net.post.kind = HFY_POST_TANH;
    }
    if (i == 6) {
      which_net.sep.kind = HFY_SEP_IDENTITY;
      which_net.post.kind = HFY_POST_SIGN;
    }
    if (i == 7) which_net.sim = HFY_SIM_COSINE;
    if (i == 8) which_net.values = values;
    if (i == 9) {
      which_net.readout = readout;
      which_net.readout_dim = V;
    }
    if (i == 10) {
      which_net.sep.kind = HFY_SEP_SPARSEMAX;
      which_net.sep.upper = upper;
    }
    if (i == 11) which_net.sep.plus = &more;
    if (i == 12) {
      which_net.post.kind = HFY_POST_LINEAR;
      which_net.post.matrix = matrix;
    }
    if (i == 13) {
      which_net.sep.kind = HFY_SEP_ARGMAX;
      which_net.self_coupling = self_coupling;
      which_net.null_pattern = 1;
    }
    if (i == 14) {
      which_net.sep.kind = HFY_SEP_SEQUENCE_KSUBSETS;
      which_net.sep.k = 3;
      which_net.sep.transition = 0.3;
      which_net.betas = own_betas;
    }
    if (i == 15) {
      which_net.sep.kind = HFY_SEP_SPARSEMAP;
      which_net.sep.structure = &structured;
    }
    judge(run_check, "net_check");
    judge(run_retrieve, "retrieve");
    judge(run_heads, "retrieve_heads");
    judge(run_report, "retrieve with report");
    judge(run_retrieve_vjp, "retrieve_vjp");
    if (which_net.sim == HFY_SIM_DOT && !which_net.values) judge(run_energy, "energy");
    if (which_net.sim == HFY_SIM_DOT && !which_net.values) judge(run_constant, "energy_constant");
    if (which_net.sim == HFY_SIM_DOT && !which_net.values &&
        (which_net.post.kind == HFY_POST_NONE || which_net.post.kind == HFY_POST_LINEAR)) { /* others have edges */
      judge(run_energy_gradient, "energy_gradient");
      judge(run_energy_vjp, "energy_vjp");
    }
  }
  judge(run_eigenvalues, "eigenvalues");
  judge(run_eigenvectors, "eigenvectors");
  judge(run_eigen, "linalg_eigen");
  judge(run_eigen_vectors, "linalg_eigen with vectors");
  judge(run_svd, "linalg_svd");
  judge(run_pinv, "linalg_pinv");
  judge(run_separation, "theory_separate, entmax");
  judge(run_dimension, "theory_dimension");
  judge(run_slack, "theory_slack");
  judge(run_capacity_binary, "theory_capacity_binary");
  judge(run_lambert, "theory_lambert");
  judge(run_capacity_exact, "theory_capacity_exact");
  judge(run_capacity_softmax, "theory_capacity_softmax");
  judge(run_jacobian_softmax, "theory_jacobian_softmax");
  judge(run_settles, "theory_settles");
  for (i = 0; i < 3; i++) how_to_recall.kind = (hfy_recall_kind)i, judge(run_recall_begin, "recall_begin");
  for (which_rule = 0; which_rule < 2; which_rule++) {
    judge(run_binary_weights, "binary_weights");
    judge(run_binary_net, "binary_net");
    judge(run_rate_weights, "rate_weights");
    judge(run_rate_threshold, "rate_threshold");
    judge(run_rate_simulate, "rate_simulate");
    judge(run_rate_leading, "rate_leading");
  }
  which_rule = 0;
  for (i = 0; i < 12; i++) {
    memset(&which_binary, 0, sizeof which_binary);
    which_binary.dim = D;
    which_binary.count = 20;
    which_binary.patterns = signs;
    which_binary.weights = classical;
    which_binary.kind = (hfy_binary_kind)(i / 3);
    which_binary.order = (hfy_binary_order)(i % 3);
    which_binary.max_sweeps = 20;
    judge(run_binary_recall, "binary_recall");
    judge(run_binary_energy, "binary_energy");
  }
  judge(run_kernel_pack, "kernel_pack");
  judge(run_kernel_unpack, "kernel_unpack");
  judge(run_kernel_gram, "kernel_gram");
  for (which_trainer = HFY_KERNEL_EXACT; which_trainer <= HFY_KERNEL_RAW; which_trainer++)
    judge(run_kernel_train, "kernel_train");
  judge(run_kernel_quantize, "kernel_quantize");
  judge(run_kernel_bound, "kernel_bound");
  judge(run_kernel_net, "kernel_net");
  for (i = 0; i < 6; i++) {
    which_kernel = kernel;
    which_kernel.order = (hfy_binary_order)(i % 3);
    which_kernel.nearest = i < 3 ? 0 : 2;
    judge(run_kernel_recall, "kernel_recall");
    judge(run_kernel_potentials, "kernel_potentials");
  }
  judge(run_kernel_flip, "kernel_flip");
  judge(run_kernel_random, "kernel_random");
  judge(run_kernel_stored, "kernel_stored");
  judge(run_kernel_basins, "kernel_basins");
  judge(run_kernel_explore, "kernel_explore");
  judge(run_kernel_forces, "kernel_forces");
  judge(run_kernel_spectra, "kernel_spectra");
  judge(run_kernel_information, "kernel_information");
  for (which_way = 0; which_way < 3; which_way++) judge(run_kernel_follow, "kernel_follow");
  judge(run_kernel_train_margin, "kernel_train_margin");
  judge(run_kernel_hessian, "kernel_hessian");
  judge(run_kernel_curvatures, "kernel_curvatures");
  judge(run_rate_patterns, "rate_patterns");
  judge(run_rate_perturb, "rate_perturb");
  judge(run_rate_sparse, "rate_weights_sparse");
  judge(run_rate_masked, "rate_weights_masked");
  judge(run_rate_net, "rate_net");
  judge(run_rate_jacobian, "rate_jacobian");
  judge(run_rate_spectrum, "rate_spectrum");
  judge(run_rate_stability, "rate_stability");
  judge(run_rate_tight, "rate_tight");
  judge(run_rate_henrici, "rate_henrici");
  judge(run_rate_theory, "rate_theory");
  judge(run_rate_theory_of, "rate_theory_of");
  judge(run_rate_at_load, "rate_at_load");
  judge(run_rate_bulk_edge, "rate_bulk_edge");
  judge(run_rate_bulk_load, "rate_bulk_load");
  judge(run_rate_critical_load, "rate_critical_load");
  judge(run_rate_optimum, "rate_optimum");
  judge(run_rate_capacity, "rate_capacity");
  judge(run_rate_replica, "rate_solve_replica");
  judge(run_rate_replica_of, "rate_solve_replica_of");
  judge(run_rate_disc, "rate_circular_law");
  judge(run_rate_run, "rate_run");
  judge(run_rate_fixed, "rate_fixed_points");
  judge(run_rate_basin, "rate_basin");
  judge(run_npy_parse, "npy_parse");
  judge(run_npy_decode, "npy_decode");
  judge(run_npy_header, "npy_header");
  judge(run_npy_write, "npy_write");
  if (hfy_file_npy_write(path, keys, six, 2, NULL)) check_report(0, __FILE__, __LINE__, "a file to read");
  judge(run_npy_info, "npy_info");
  judge(run_npy_read, "npy_read");
  judge(run_npy_decode_double, "npy_decode_double");
  judge(run_npy_header_double, "npy_header_double");
  judge(run_npy_read_double, "npy_read_double");
  judge(run_npy_write_double, "npy_write_double");
  judge(run_param_init, "param_init");
  judge(run_safe_encode, "safetensors_encode");
  judge(run_safe_decode, "safetensors_decode");
  judge(run_safe_write, "safetensors_write");
  if (hfy_file_safetensors_write(path, &a_param, 1, keys, NULL)) check_report(0, __FILE__, __LINE__, "a file to read");
  judge(run_safe_read, "safetensors_read");
  remove(path);
  judge(run_index_build, "index_build");
  judge(run_index_update, "index_update");
  judge(run_index_remove, "index_remove");
  judge(run_index_check, "index_check");
  judge(run_index_scores, "index_scores");
  judge(run_index_top, "index_top");
  judge(run_index_project, "index_project");
  judge(run_shard_find, "shard_find");
  judge(run_shard_merge, "shard_merge");
  judge(run_shard_finish, "shard_finish");
  judge(run_layer_check, "layer_check");
  judge(run_layer_params, "layer_params");
  judge(run_layer_tape, "layer_tape");
  judge(run_layer_forward, "layer_forward");
  judge(run_layer_backward, "layer_backward");
  judge(run_block_params, "block_params");
  judge(run_block_tape, "block_tape");
  judge(run_block_forward, "block_forward");
  judge(run_block_backward, "block_backward");
  judge(run_dense_params, "dense_params");
  judge(run_dense_forward, "dense_forward");
  judge(run_dense_backward, "dense_backward");
  judge(run_optimiser_step, "optimiser_step");
  return 0;
}

static void complain(const char *name) {
  static int seen;
  if (check_errors < seen) seen = 0;
  if (check_errors > seen && seen < 5)
    printf("      (%s, sep %d, post %d)\n", name, (int)which_sep.kind, (int)which_post.kind);
  seen = check_errors;
}

/* what the call writes with all the memory it wants; `out` starts as zeros, or as a mark that must survive a refusal */
static struct outputs right, marked;
static hfy_status settle(run_call *run, hfy_work *work, int mark) {
  memset(&out, mark, sizeof out);
  return run(work);
}

/* --- scratch memory --- */

static size_t needing;

static void grows_and_leaves_nothing(run_call *run, const char *name) {
  hfy_work work;
  size_t before, peak;
  memset(&work, 0, sizeof work);
  CHECK(live == 0);
  CHECK(settle(run, NULL, 0) == HFY_OK); /* NULL: allocates and frees by itself */
  CHECK(live == 0);
  right = out;
  CHECK(settle(run, &work, 0) == HFY_OK);
  CHECK(memcmp(&right, &out, sizeof out) == 0);
  CHECK(work.message[0] == 0);
  CHECK(live == (work.owned ? 1u : 0u));
  CHECK(work.peak == work.used && work.capacity >= work.used);
  peak = work.peak;
  needing += peak > 0;
  before = calls;
  CHECK(settle(run, &work, 0) == HFY_OK); /* the same again: nothing to allocate */
  CHECK(calls == before && work.peak == peak);
  hfy_work_free(&work);
  CHECK(live == 0 && !work.buffer && !work.capacity && !work.owned);
  hfy_work_free(&work); /* twice is harmless */
  complain(name);
}

TEST(work_grows_and_leaves_nothing) {
  needing = 0;
  each_call(grows_and_leaves_nothing);
  CHECK(needing > 290);
  hfy_work_free(NULL);
}

static void peak_would_do(run_call *run, const char *name) {
  static const size_t shifts[] = {0, 1, 4, 8, 17, 63};
  unsigned char *memory;
  hfy_work work;
  size_t peak, i, before;
  memset(&work, 0, sizeof work);
  CHECK(settle(run, &work, 0) == HFY_OK);
  peak = work.peak;
  right = out;
  hfy_work_free(&work);
  if (!peak) return;
  memory = (unsigned char *)malloc(peak + 128);
  if (!memory) exit(3);
  for (i = 0; i < COUNT(shifts); i++) { /* exactly `peak` bytes, wherever they lie */
    memset(&work, 0, sizeof work);
    memset(memory, 0x3C, peak + 128);
    work.buffer = memory + shifts[i];
    work.capacity = peak;
    before = calls;
    CHECK(settle(run, &work, 0) == HFY_OK);
    CHECK(memcmp(&right, &out, sizeof out) == 0);
    CHECK(calls == before && !work.owned && work.buffer == (void *)(memory + shifts[i]) && work.capacity == peak);
    CHECK(memory[shifts[i] + peak] == 0x3C && (!shifts[i] || memory[shifts[i] - 1] == 0x3C));
  }
  work.capacity = peak - 1; /* one byte less: refused before anything is written */
  work.peak = 0;
  before = calls;
  memset(&marked, 0x5A, sizeof marked);
  CHECK(settle(run, &work, 0x5A) == HFY_ERR_NOMEM);
  CHECK(memcmp(&marked, &out, sizeof out) == 0);
  CHECK(work.peak == peak);
  CHECK(calls == before);
  CHECK_CONTAINS(work.message, "capacity");
  {
    char number[40];
    snprintf(number, sizeof number, " %lu", (unsigned long)(peak - 1));
    CHECK_CONTAINS(work.message, number);
    snprintf(number, sizeof number, " %lu", (unsigned long)peak);
    CHECK_CONTAINS(work.message, number);
  }
  hfy_work_free(&work); /* a user's buffer is left alone */
  CHECK(work.buffer == (void *)(memory + 63) && work.capacity == peak - 1);
  free(memory);
  CHECK(live == 0);
  complain(name);
}

TEST(peak_bytes_do_and_one_less_do_not) { each_call(peak_would_do); }

static size_t refused;

static void survives_every_failure(run_call *run, const char *name) {
  hfy_work work;
  size_t n;
  int with_work;
  memset(&marked, 0x5A, sizeof marked);
  for (with_work = 0; with_work < 2; with_work++)
    for (n = 1; n < 50; n++) {
      hfy_status status;
      memset(&work, 0, sizeof work);
      calls = 0;
      fail_at = n;
      status = settle(run, with_work ? &work : NULL, 0x5A);
      fail_at = 0;
      if (calls < n) { /* it needed fewer: all is well */
        CHECK(status == HFY_OK);
        hfy_work_free(&work);
        break;
      }
      refused++;
      CHECK(status == HFY_ERR_NOMEM);
      CHECK(memcmp(&marked, &out, sizeof out) == 0);
      if (with_work) {
        CHECK_CONTAINS(work.message, "allocate");
        CHECK(settle(run, &work, 0x5A) == HFY_OK); /* and goes on once there is memory */
        CHECK(work.message[0] == 0);
        hfy_work_free(&work);
      }
      CHECK(live == 0);
    }
  CHECK(n < 50);
  CHECK(live == 0);
  complain(name);
}

TEST(an_allocator_that_fails_at_every_call) {
  refused = 0;
  each_call(survives_every_failure);
  CHECK(refused > 580);
}

static hfy_work shared;
static void share(run_call *run, const char *name) {
  CHECK(settle(run, NULL, 0) == HFY_OK);
  right = out;
  CHECK(settle(run, &shared, 0) == HFY_OK);
  CHECK(memcmp(&right, &out, sizeof out) == 0);
  CHECK(live <= 1);
  complain(name);
}

TEST(one_work_serves_every_call) {
  memset(&shared, 0, sizeof shared);
  each_call(share);
  each_call(share);
  CHECK(shared.capacity == shared.peak);
  hfy_work_free(&shared);
  CHECK(live == 0);
}

TEST(a_failed_growth_keeps_the_old_memory) {
  hfy_work work;
  void *buffer;
  prepare();
  memset(&work, 0, sizeof work);
  which_net = a_net();
  CHECK(run_cosine(&work) == HFY_OK);
  buffer = work.buffer;
  CHECK(buffer != NULL);
  calls = 0;
  fail_at = 1;
  CHECK(run_retrieve_vjp(&work) == HFY_ERR_NOMEM);
  fail_at = 0;
  CHECK(work.buffer == buffer && work.owned && live == 1);
  CHECK(run_cosine(&work) == HFY_OK);
  hfy_work_free(&work);
  CHECK(live == 0);
}

static void any_isa(run_call *run, const char *name) {
  int isa, done = 0;
  for (isa = 0; isa < 6; isa++) {
    hfy_work work;
    hfy_status status;
    memset(&work, 0, sizeof work);
    work.isa = (hfy_isa)isa;
    memset(&marked, 0x5A, sizeof marked);
    status = settle(run, &work, 0x5A);
    CHECK(status == HFY_OK || status == HFY_ERR_UNSUPPORTED);
    done += status == HFY_OK;
    if (status) {
      CHECK(memcmp(&marked, &out, sizeof out) == 0);
      CHECK_CONTAINS(work.message, hfy_simd_text((hfy_isa)isa));
    }
    if (isa <= HFY_ISA_SCALAR) CHECK(status == HFY_OK);
    hfy_work_free(&work);
  }
  CHECK(done >= 2);
  complain(name);
}

TEST(every_instruction_set_or_a_refusal) { each_call(any_isa); }

TEST(instruction_sets_have_names) {
  CHECK(strcmp(hfy_simd_text(HFY_ISA_BEST), "best") == 0);
  CHECK(strcmp(hfy_simd_text(HFY_ISA_SCALAR), "scalar") == 0);
  CHECK(strcmp(hfy_simd_text(HFY_ISA_SSE2), "sse2") == 0);
  CHECK(strcmp(hfy_simd_text(HFY_ISA_AVX2), "avx2") == 0);
  CHECK(strcmp(hfy_simd_text(HFY_ISA_AVX512), "avx512") == 0);
  CHECK(strcmp(hfy_simd_text(HFY_ISA_NEON), "neon") == 0);
  CHECK(hfy_simd_text((hfy_isa)7) != NULL);
  CHECK(hfy_simd_isa(NULL) != HFY_ISA_BEST);
}

/* --- messages --- */

static const char *number_after(const char *message, const char *words) {
  const char *at = strstr(message, words);
  return at ? at + strlen(words) : "";
}

/* the sign and digits of a number as the messages print it */
static void message_of(double value, hfy_work *work) {
  hfy_sep sep;
  hfy_real x = 1, y;
  memset(&sep, 0, sizeof sep);
  sep.kind = HFY_SEP_ENTMAX;
  sep.alpha = value;
  CHECK(hfy_sep_apply(&sep, &x, 1, 1, &y, work) == HFY_ERR_ARG);
}

TEST(numbers_in_messages) {
  static const struct {
    double value;
    const char *text;
  } known[] = {{-1, "-1;"},          {-0.5, "-0.5;"},         {-1.5, "-1.5;"},       {-2.25e-3, "-0.00225;"},
               {-123456, "-123456;"}, {-999999.9, "-1000000;"}, {-1e-20, "-1e-20;"},   {-1.5e300, "-1.5e300;"},
               {-1e15, "-1e15;"},     {-1e14, "-100000000000000;"}, {-9.99999951e-5, "-0.0001;"}};
  hfy_work work;
  size_t i;
  memset(&work, 0, sizeof work);
  for (i = 0; i < COUNT(known); i++) {
    message_of(known[i].value, &work);
    CHECK(strncmp(number_after(work.message, "alpha is "), known[i].text, strlen(known[i].text)) == 0);
  }
  message_of(-HUGE_VAL, &work);
  CHECK_CONTAINS(work.message, "alpha is -inf;");
  message_of(HUGE_VAL - HUGE_VAL, &work);
  CHECK_CONTAINS(work.message, "alpha is nan;");
  hfy_work_free(&work);
}

TEST(numbers_in_messages_read_back) {
  hfy_rng rng = hfy_rng_seed(5);
  hfy_work work;
  int i;
  memset(&work, 0, sizeof work);
  for (i = 0; i < 2000; i++) {
    double value = -pow(10.0, 630 * hfy_rng_uniform(&rng) - 322) * (1 + 9 * hfy_rng_uniform(&rng)), got;
    if (i % 4 == 0) value = -pow(10.0, floor(40 * hfy_rng_uniform(&rng) - 20));
    if (i % 4 == 1) value = -floor(1e7 * hfy_rng_uniform(&rng)) / 1000 - 1e-3;
    if (value < -1.7e308) value = -1.7e308;
    message_of(value, &work);
    got = strtod(number_after(work.message, "alpha is "), NULL);
    CHECK(fabs(got - value) <= 5.5e-6 * fabs(value) + 1e-322);
    if (!(fabs(got - value) <= 5.5e-6 * fabs(value) + 1e-322)) printf("      (%.17g: %s)\n", value, work.message);
  }
  hfy_work_free(&work);
}

TEST(sizes_in_messages) {
  static const size_t sizes[] = {0, 1, 9, 10, 12345, SIZE_MAX};
  hfy_work work;
  hfy_real x[4] = {0};
  char text[64];
  size_t i;
  memset(&work, 0, sizeof work);
  for (i = 0; i < COUNT(sizes); i++) {
    CHECK(hfy_sim_scores(HFY_SIM_DOT, 1, x, sizes[i], 0, 0, x, 1, x, &work) == HFY_ERR_ARG);
    snprintf(text, sizeof text, "count is %llu and", (unsigned long long)sizes[i]);
    CHECK_CONTAINS(work.message, text);
  }
  hfy_work_free(&work);
}

TEST(messages_end_and_go) {
  hfy_work work;
  hfy_real x[1] = {1}, y[1];
  hfy_sep sep;
  memset(&work, 0, sizeof work);
  memset(&sep, 0, sizeof sep);
  memset(work.message, 'x', sizeof work.message);
  message_of(-1.23456e-300, &work);
  CHECK(memchr(work.message, 0, sizeof work.message) != NULL);
  CHECK(strlen(work.message) > 10 && strlen(work.message) < 120);
  CHECK(hfy_sep_apply(&sep, x, 1, 1, y, &work) == HFY_OK);
  CHECK(work.message[0] == 0); /* empty after success */
  hfy_work_free(&work);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
#ifdef TEST_LINKED
  library_malloc = counted_malloc;
  library_free = counted_free;
#endif
  RUN(work_grows_and_leaves_nothing);
  RUN(peak_bytes_do_and_one_less_do_not);
  RUN(an_allocator_that_fails_at_every_call);
  RUN(one_work_serves_every_call);
  RUN(a_failed_growth_keeps_the_old_memory);
  RUN(every_instruction_set_or_a_refusal);
  RUN(instruction_sets_have_names);
  RUN(numbers_in_messages);
  RUN(numbers_in_messages_read_back);
  RUN(sizes_in_messages);
  RUN(messages_end_and_go);
  return CHECK_END();
}
