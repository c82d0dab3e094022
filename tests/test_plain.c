/* The definition (>>net.plain) against everything that is faster. Each random net is answered by hfy_retrieve and by
   the definition, one query at a time; answers and reports are the same bits, but for SOFTMAX and EXP (running sums:
   to rounding). With HFY_PLAIN both are the definition, and the same nets still have to come through. Nets of any
   numbers (raw bits among them): what is answered is finite, its weights feasible. Batches in pieces and in any order:
   the same bits of answers, reports, energies and gradients.
   An argument of digits is another seed, a second one how many times as many nets. */
#define HFY_IMPLEMENTATION
#ifndef HFY_STATIC
#define HFY_STATIC
#endif
#include "../hfy.h"
#include "check.h"

#ifdef FUZZ_H /* small */
enum { MAX_N = 90, MAX_D = 300, MAX_Q = 12, STEPS = 9 };
#else
enum { MAX_N = 900, MAX_D = 300, MAX_Q = 40, STEPS = 9 };
#endif

typedef struct {
  hfy_real out[MAX_Q * MAX_D];
  hfy_status status[MAX_Q];
  size_t best[MAX_Q], support[MAX_Q], steps[MAX_Q], cycle[MAX_Q], top_index[MAX_Q * 3];
  double residual[MAX_Q], energy[MAX_Q * (STEPS + 1)];
  hfy_real top_weight[MAX_Q * 3], best_score[MAX_Q], null_weight[MAX_Q], top_score[MAX_Q * 3], *weights;
} answers;

static hfy_real keys[MAX_N * MAX_D], values[MAX_N * MAX_D], readout[MAX_N * 5], self[MAX_D], bias[MAX_Q * MAX_N];
static hfy_real queries[MAX_Q * MAX_D], matrix[MAX_D * MAX_D], gain[MAX_D], delta[MAX_D], transitions[MAX_N];
static double upper[MAX_Q * MAX_N], lower[MAX_Q * MAX_N];
static size_t visible[MAX_Q];
static hfy_sep more;
static hfy_structure structure;
static answers fast, plain;
static uint64_t seed;
static size_t times = 1;

static void scatter(hfy_rng *rng, hfy_real *x, size_t n, double size) {
  size_t i;
  for (i = 0; i < n; i++) x[i] = (hfy_real)(size * bell(rng));
}

/* which: 0 nothing but the answer; 1 what is cheap; 2 support and top; 3 weights; 4 energies as well */
static hfy_report report_into(answers *a, int which) {
  hfy_report r;
  memset(&r, 0, sizeof r);
  memset(a->out, 0x55, sizeof a->out);
  memset(a->weights, 0x55, (size_t)MAX_Q * MAX_N * sizeof *a->weights);
  memset(a->best, 0x55, sizeof a->best), memset(a->support, 0x55, sizeof a->support);
  memset(a->steps, 0x55, sizeof a->steps), memset(a->cycle, 0x55, sizeof a->cycle);
  memset(a->top_index, 0x55, sizeof a->top_index), memset(a->top_weight, 0x55, sizeof a->top_weight);
  memset(a->best_score, 0x55, sizeof a->best_score), memset(a->top_score, 0x55, sizeof a->top_score);
  memset(a->residual, 0x55, sizeof a->residual), memset(a->energy, 0x55, sizeof a->energy);
  memset(a->status, 0x55, sizeof a->status), memset(a->null_weight, 0x55, sizeof a->null_weight);
  if (which >= 1) r.status = a->status, r.best = a->best, r.steps = a->steps, r.cycle = a->cycle;
  if (which >= 1) r.residual = a->residual, r.best_score = a->best_score, r.null_weight = a->null_weight;
  if (which >= 2) r.support = a->support, r.top = 3, r.top_index = a->top_index, r.top_weight = a->top_weight;
  if (which >= 2) r.top_score = a->top_score;
  if (which >= 3) r.weights = a->weights;
  if (which >= 4) r.energy = a->energy;
  return r;
}

static int close_rows(const hfy_real *a, const hfy_real *b, size_t n, double tol) {
  size_t i;
  for (i = 0; i < n; i++)
    if (!(fabs((double)a[i] - (double)b[i]) <= tol * (1 + fabs((double)b[i]))) && memcmp(a + i, b + i, sizeof *a))
      return 0;
  return 1;
}

/* Rows of sums: beside what is largest in them, as weights of EXP cancel. */
static int close_sums(const hfy_real *a, const hfy_real *b, size_t rows, size_t width, double tol) {
  size_t j, i;
  for (j = 0; j < rows; j++) {
    double most = 1;
    for (i = j * width; i < (j + 1) * width; i++) most = fabs((double)b[i]) > most ? fabs((double)b[i]) : most;
    for (i = j * width; i < (j + 1) * width; i++)
      if (!(fabs((double)a[i] - (double)b[i]) <= tol * most) && memcmp(a + i, b + i, sizeof *a)) return 0;
  }
  return 1;
}

/* A number of any size, or any bits at all. */
static hfy_real wild(hfy_rng *rng, size_t odds) {
  const double odd[] = {0, -0.0, 1, -1, HUGE_VAL, -HUGE_VAL};
  const uint64_t bits = hfy_rng_u64(rng);
  hfy_real x = (hfy_real)ldexp(hfy_rng_normal(rng), (int)below(rng, 250) - 125);
  if (below(rng, odds) == 0) memcpy(&x, &bits, sizeof x);
  if (below(rng, odds) == 0) x = (hfy_real)odd[below(rng, 6)];
  return x;
}

/* Most of them small, a few or all of them anything, or all of them large or small. */
static void scatter_wildly(hfy_rng *rng, hfy_real *x, size_t n) {
  const size_t how = below(rng, 5);
  size_t i;
  scatter(rng, x, n, how == 1 ? ldexp(1, (int)below(rng, 250) - 125) : 1);
  for (i = 0; i < n && how > 1; i++)
    if (how == 2 || below(rng, how == 3 ? 5 : 2 * n) == 0) x[i] = wild(rng, how == 2 ? 500 : 3);
}

/* Between two powers of 2. */
static double between(hfy_rng *rng, double from, double to) { return exp2(from + (to - from) * hfy_rng_uniform(rng)); }

static hfy_sep random_sep(hfy_rng *rng, size_t n, size_t n_queries) {
  static const double alphas[] = {1.5, 2, 1.2, 3, 0.7, 1, HUGE_VAL}, gammas[] = {2, 1.5, 5, 1, HUGE_VAL};
  hfy_sep sep;
  size_t i;
  memset(&sep, 0, sizeof sep);
  sep.kind = (hfy_sep_kind)below(rng, HFY_SEP_EVEN + 1);
  if (below(rng, 3) == 0) sep.kind = HFY_SEP_SPARSEMAX;
  if ((sep.kind == HFY_SEP_SPARSEMAP || sep.kind == HFY_SEP_SEQUENCE_KSUBSETS) && n > 30) sep.kind = HFY_SEP_KSUBSETS;
  sep.alpha = below(rng, 3) ? alphas[below(rng, 7)] : between(rng, -5, 10);
  sep.gamma = below(rng, 3) ? gammas[below(rng, 5)] : 1 + between(rng, -20, 10);
  sep.k = (double)(1 + below(rng, n < 12 ? n : 12));
  if (sep.kind == HFY_SEP_KSUBSETS && below(rng, 2)) sep.k -= hfy_rng_uniform(rng);
  sep.degree = below(rng, 2) ? 0 : 1 + between(rng, -4, 4);
  sep.rho = below(rng, 2) ? 0 : between(rng, -10, 10);
  sep.transition = below(rng, 4) ? hfy_rng_normal(rng) : 0;
  for (i = 0; i < n; i++) transitions[i] = (hfy_real)hfy_rng_normal(rng);
  if (sep.kind == HFY_SEP_SEQUENCE_KSUBSETS && n > 1 && below(rng, 2)) sep.transitions = transitions;
  structure = below(rng, 2) ? hfy_structure_ksubsets(n, (size_t)sep.k) : hfy_structure_sequence(n, (size_t)sep.k);
  if (sep.kind == HFY_SEP_SPARSEMAP) sep.structure = &structure;
  if (below(rng, 4) == 0 && (sep.kind == HFY_SEP_SPARSEMAX || sep.kind == HFY_SEP_KSUBSETS)) {
    for (i = 0; i < n * n_queries; i++) {
      lower[i] = below(rng, 3) ? 0 : hfy_rng_uniform(rng) / (double)n;
      upper[i] = below(rng, 5) ? lower[i] + (0.2 + hfy_rng_uniform(rng)) * (1 + 20 / (double)n) : HUGE_VAL;
    }
    if (below(rng, 4)) sep.upper = upper;
    if (below(rng, 2)) sep.lower = lower;
    if (below(rng, 2)) sep.bound_stride = n;
  }
  return sep;
}

static void random_post(hfy_rng *rng, hfy_post *post, size_t dim) {
  const size_t size = dim < 60 ? dim : 0; /* no larger matrix */
  post->kind = below(rng, 2) ? HFY_POST_NONE : (hfy_post_kind)below(rng, HFY_POST_RECTIFIED_POWER + 1);
  if (post->kind == HFY_POST_LINEAR && !size) post->kind = HFY_POST_TANH;
  scatter(rng, matrix, size * size, 1 / sqrt((double)dim)), scatter(rng, gain, dim, 1), scatter(rng, delta, dim, 1);
  post->matrix = matrix;
  if (below(rng, 2)) return;
  post->beta = between(rng, -9, 9), post->radius = between(rng, -9, 9), post->eta = between(rng, -9, 9);
  post->eps = below(rng, 2) ? 0 : between(rng, -40, 9), post->power = between(rng, -3, 3);
  post->sigma = below(rng, 2) ? 0 : between(rng, -9, 9), post->theta = hfy_rng_normal(rng);
  if (below(rng, 2)) post->gain = gain;
  if (below(rng, 2)) post->delta = delta;
  if (dim > 1) post->dof_minus = below(rng, 2);
}

static int takes_null(const hfy_sep *sep) {
  for (; sep; sep = sep->plus)
    if (sep->upper || sep->lower || sep->kind == HFY_SEP_SEQUENCE_KSUBSETS || sep->kind == HFY_SEP_SPARSEMAP ||
        (sep->kind >= HFY_SEP_IDENTITY && sep->kind <= HFY_SEP_EXP) || sep->kind > HFY_SEP_UNIFORM)
      return 0;
  return 1;
}

/* wildly: any numbers in the arrays, any beta */
static void random_net(hfy_rng *rng, hfy_net *net, size_t n_queries, int wildly) {
  static const double betas[] = {0, 0.01, 0.5, 3, 40};
  size_t big = below(rng, 6) == 0, i, d;
  memset(net, 0, sizeof *net);
  net->count = 1 + below(rng, big ? MAX_N : 60);
  net->dim = big && below(rng, 2) ? 257 + below(rng, 40) : 1 + below(rng, 40);
  net->key_stride = below(rng, 3) ? 0 : net->dim + below(rng, 3);
  net->keys = keys;
  scatter(rng, keys, net->count * (net->dim + 3), 1);
  if (below(rng, 4) == 0) /* signs: exact ties, cycles, exact retrieval */
    for (i = 0; i < net->count * (net->dim + 3); i++) keys[i] = keys[i] > 0 ? 1 : -1;
  if (wildly && below(rng, 2)) scatter_wildly(rng, keys, net->count * (net->dim + 3));
  net->sep = random_sep(rng, net->count, n_queries);
  more = random_sep(rng, net->count, n_queries);
  more.upper = more.lower = NULL;
  if (below(rng, 10) == 0 && more.kind != HFY_SEP_SPARSEMAP && more.kind != HFY_SEP_SEQUENCE_KSUBSETS)
    net->sep.plus = &more;
  net->sim = below(rng, 3) ? HFY_SIM_DOT : (hfy_sim)below(rng, HFY_SIM_MANHATTAN + 1);
  net->beta = betas[below(rng, 5)];
  if (wildly) net->beta = between(rng, below(rng, 4) ? -6 : -120, below(rng, 4) ? 6 : 120);
  random_post(rng, &net->post, net->dim);
  net->max_steps = below(rng, 2) ? 1 + below(rng, STEPS) : 1;
  if (below(rng, 4) == 0) net->step = 0.3 + 0.7 * hfy_rng_uniform(rng);
  if (below(rng, 4) == 0) net->tol = 1e-3 * hfy_rng_uniform(rng);
  if (below(rng, 4) == 0) net->values = values, scatter(rng, values, net->count * net->dim, 1);
  if (net->values && wildly) scatter_wildly(rng, values, net->count * net->dim);
  if (below(rng, 5) == 0) net->readout = readout, net->readout_dim = 1 + below(rng, 5);
  if (net->readout) scatter(rng, readout, net->count * 5, 1);
  if (net->readout && wildly) scatter_wildly(rng, readout, net->count * 5);
  if (below(rng, 6) == 0) net->self_coupling = self, scatter(rng, self, net->dim, 0.2);
  if (below(rng, 4) == 0) {
    net->bias = bias, net->bias_stride = below(rng, 2) ? net->count : 0;
    scatter(rng, bias, n_queries * net->count, 1);
    if (wildly && below(rng, 2)) scatter_wildly(rng, bias, n_queries * net->count);
    for (i = 0; i < n_queries * net->count; i++)
      if (below(rng, 4) == 0) bias[i] = (hfy_real)-HUGE_VAL;
  }
  if (below(rng, 4) == 0) {
    net->visible = visible;
    for (i = 0; i < n_queries; i++) visible[i] = below(rng, net->count + 2);
  }
  if (below(rng, 4) == 0 && takes_null(&net->sep)) {
    net->null_pattern = 1;
    net->null_score = below(rng, 3) ? 2 * hfy_rng_normal(rng) : wildly ? (double)wild(rng, 9) : 0;
    if (!(fabs(net->null_score) <= REAL_MAX)) net->null_score = 0;
  }
  for (i = 0; i < n_queries; i++) {
    const hfy_real *x = keys + below(rng, net->count) * (net->key_stride ? net->key_stride : net->dim);
    for (d = 0; d < net->dim; d++) queries[i * net->dim + d] = (hfy_real)((double)x[d] + 0.5 * hfy_rng_normal(rng));
    if (below(rng, 30) == 0) queries[i * net->dim] = (hfy_real)NAN;
  }
  if (wildly && below(rng, 2)) scatter_wildly(rng, queries, n_queries * net->dim);
}

#define SAME(member, n) CHECK(!memcmp(fast.member, plain.member, (n) * sizeof *fast.member))

/* The definition, query by query. */
static hfy_status retrieve_plainly(const hfy_net *net, size_t n_queries, hfy_real *out, const hfy_report *report,
                                   hfy_work *work) {
  hfy_base_arena_ arena = {NULL, 0, 0, 0};
  hfy_net_run_ run;
  hfy_net_scratch_ s;
  hfy_work none, *w = hfy_base_open_(work, &none);
  hfy_status status = hfy_net_begin_(net, n_queries, &run, w), failure = HFY_OK;
  const int energies = report && report->energy;
  size_t who;
  if (!status) status = hfy_net_check_call_(&run.net, queries, n_queries, out, report, w);
  if (!status) hfy_net_call_of_(&run, queries, out, report);
  if (!status) hfy_net_put_off_(&run);
  while (hfy_base_layout_(&arena, w, &status)) {
    run.inverse_norms = hfy_net_plan_norms_(&arena, &run.net, 1);
    hfy_net_plan_(&arena, &run, energies, &s);
  }
  if (!status && energies) status = hfy_net_has_energy_(&run.net, &s.post, w);
  if (status) return status;
  hfy_net_prepare_(&run);
  for (who = 0; who < n_queries; who++) {
    status = hfy_net_walk_plainly_(&run, who, &s);
    if (status && !failure) failure = hfy_net_failed_(w, status, who);
  }
  return failure;
}

/* Do answers hang on what the report asks, in the last bits? */
static int runs_sums(const hfy_sep *sep) {
  return !sep->plus && (sep->kind == HFY_SEP_SOFTMAX || sep->kind == HFY_SEP_EXP ||
                        (sep->kind == HFY_SEP_ENTMAX && sep->alpha >= 1 && sep->alpha <= 1));
}

/* Both answers to one net. rounds: 1 if they may differ in the last bits. */
static int compare(const hfy_net *net, size_t n_queries, int which, int rounds, hfy_isa isa) {
  hfy_report a = report_into(&fast, which), b = report_into(&plain, which);
  hfy_work one, two;
  hfy_status got, want;
  size_t width = net->readout ? net->readout_dim : net->dim;
  int failed = check_errors;
  memset(&one, 0, sizeof one), memset(&two, 0, sizeof two);
  one.isa = two.isa = isa;
  got = hfy_retrieve(net, queries, n_queries, fast.out, &a, &one);
  want = retrieve_plainly(net, n_queries, plain.out, &b, &two);
  CHECK(got == want && !strcmp(one.message, two.message));
  SAME(status, MAX_Q), SAME(energy, MAX_Q * (STEPS + 1));
  if (rounds) { /* one step; the heaviest may swap within rounding */
    CHECK(close_sums(fast.out, plain.out, n_queries, width, 2000 * REAL_EPS));
    CHECK(close_rows(fast.null_weight, plain.null_weight, MAX_Q, 2000 * REAL_EPS));
  } else {
    SAME(out, MAX_Q * MAX_D), SAME(best, MAX_Q), SAME(support, MAX_Q), SAME(steps, MAX_Q), SAME(cycle, MAX_Q);
    SAME(top_index, MAX_Q * 3), SAME(top_weight, MAX_Q * 3), SAME(residual, MAX_Q);
    SAME(best_score, MAX_Q), SAME(top_score, MAX_Q * 3);
    SAME(weights, (size_t)MAX_Q * MAX_N), SAME(null_weight, MAX_Q);
  }
  hfy_work_free(&one), hfy_work_free(&two);
  return failed == check_errors;
}

TEST(every_fast_way_is_the_definition) {
  static const hfy_isa isas[] = {HFY_ISA_BEST, HFY_ISA_SCALAR, HFY_ISA_SSE2};
  hfy_rng rng = hfy_rng_seed(seed + 15 + sizeof(hfy_real));
  size_t trial, answered = 0, many = 0;
  for (trial = 0; trial < 1500 / SHARES * times; trial++) {
    size_t n_queries = below(&rng, 4) ? 1 + below(&rng, 4) : 1 + below(&rng, MAX_Q);
    int which = (int)below(&rng, 5), sums;
    void *memory = NULL;
    hfy_work work;
    hfy_isa isa = isas[trial % 3];
    hfy_net net;
    random_net(&rng, &net, n_queries, 0);
    memset(&work, 0, sizeof work);
    work.isa = isa;
    if (isa != HFY_ISA_BEST && hfy_net_check(&net, NULL, &work)) isa = HFY_ISA_BEST;
#ifdef HFY_HAS_INDEX_
    if (below(&rng, 3) == 0) {
      static hfy_index index;
      hfy_index_options options = {0, 0, 0, HFY_SIM_DOT};
      size_t bytes;
      options.prefix = below(&rng, 2) ? 0 : 1 + below(&rng, net.dim);
      if (net.sim != HFY_SIM_MANHATTAN) options.sim = net.sim;
      bytes = hfy_index_size(net.count, net.dim, &options);
      memory = malloc(bytes);
      CHECK(hfy_index_build(keys, net.count, net.dim, net.key_stride, &options, memory, bytes, &index, NULL) == HFY_OK);
      net.index = &index;
    }
#endif
    if (which == 4 && (net.sim != HFY_SIM_DOT || net.values)) which = 3;
    sums = runs_sums(&net.sep) && which < 2;
    if (sums) net.max_steps = 1, net.beta = net.beta > 1 ? 1 : net.beta;
    if (!compare(&net, n_queries, which, sums, isa))
      printf("    trial %zu: sep %d sim %d post %d n %zu dim %zu queries %zu steps %zu report %d\n", trial,
             (int)net.sep.kind, (int)net.sim, (int)net.post.kind, net.count, net.dim, n_queries, net.max_steps,
             which);
    answered += which >= 1 && plain.status[0] == HFY_OK;
    many += which >= 1 && plain.status[0] == HFY_OK && plain.steps[0] > 2;
    free(memory);
  }
  if (!CHECK(answered > 640 / SHARES && many > 70 / SHARES)) printf("    answered %zu, many steps %zu\n", answered, many);
}

/* The weights of a query lie where the separation says, whatever the scores. */
static int feasible(const hfy_net *net, size_t j, const hfy_real *w) {
  const hfy_sep *sep = &net->sep;
  const double total = sep->kind == HFY_SEP_KSUBSETS || sep->kind == HFY_SEP_SEQUENCE_KSUBSETS ||
                       sep->kind == HFY_SEP_ARGMAX ? sep->k : sep->kind == HFY_SEP_SPARSEMAP ? (double)structure.k : 1;
  double sum = (double)fast.null_weight[j];
  size_t i;
  for (i = 0; i < net->count; i++) {
    const double v = (double)w[i], slack = 4 * REAL_EPS * total;
    const size_t at = j * sep->bound_stride + i;
    const int masked = (net->visible && i >= net->visible[j]) ||
                       (net->bias && (double)bias[j * net->bias_stride + i] <= -HUGE_VAL);
    sum += v;
    if (v != v || (masked && (v > 0 || v < 0) && !sep->lower)) return 0;
    if (sep->plus || sep->kind == HFY_SEP_IDENTITY || sep->kind == HFY_SEP_POWER) continue;
    if (sep->kind > HFY_SEP_UNIFORM) continue;
    if (v < (sep->lower && !masked ? sep->lower[at] - slack : 0)) return 0;
    if (sep->kind != HFY_SEP_EXP && v > (sep->upper ? sep->upper[at] : total > 1 ? 1 : total) + slack) return 0;
  }
  if (sep->plus || sep->kind == HFY_SEP_IDENTITY || sep->kind == HFY_SEP_POWER || sep->kind == HFY_SEP_EXP ||
      sep->kind > HFY_SEP_UNIFORM)
    return 1;
  return fabs(sum - total) <= 8 * REAL_EPS * total + 2e-9 * total;
}

TEST(no_wild_net_has_a_wild_answer) {
  hfy_rng rng = hfy_rng_seed(seed + 25 + sizeof(hfy_real));
  size_t trial, answered = 0, walked = 0;
  for (trial = 0; trial < 3000 / SHARES * times; trial++) {
    const size_t n_queries = 1 + below(&rng, 5);
    const int which = (int)below(&rng, 4);
    const int failed = check_errors;
    size_t j, i, width;
    hfy_report report;
    hfy_net net;
    random_net(&rng, &net, n_queries, 1);
    width = net.readout ? net.readout_dim : net.dim;
    if (!runs_sums(&net.sep) || which > 1) compare(&net, n_queries, which, 0, HFY_ISA_BEST);
    report = report_into(&fast, 3);
    hfy_retrieve(&net, queries, n_queries, fast.out, &report, NULL);
    for (j = 0; j < n_queries; j++) {
      if (fast.status[j]) continue;
      for (i = 0; i < width; i++) CHECK(hfy_base_is_finite_((double)fast.out[j * width + i]));
      CHECK(feasible(&net, j, fast.weights + j * net.count) && fast.residual[j] >= 0 && fast.best[j] < net.count);
      answered++, walked += fast.steps[j] > 1;
    }
    if (check_errors > failed)
      printf("    trial %zu: sep %d sim %d post %d n %zu dim %zu queries %zu steps %zu report %d\n", trial,
             (int)net.sep.kind, (int)net.sim, (int)net.post.kind, net.count, net.dim, n_queries, net.max_steps, which);
  }
  if (!CHECK(answered > 1500 / SHARES && walked > 200 / SHARES)) printf("    answered %zu, many %zu\n", answered, walked);
}

static void copy_rows(hfy_real *to, const hfy_real *from, const size_t *row, size_t rows, size_t width) {
  size_t i;
  for (i = 0; i < rows; i++) memcpy(to + i * width, from + row[i] * width, width * sizeof *to);
}

/* Answers, energies and gradients of the queries whose numbers are given. */
typedef struct {
  hfy_real slope[MAX_Q * MAX_D], back[MAX_Q * MAX_D];
  double energy[MAX_Q];
} derived;

static void ask_of(const hfy_net *net, const size_t *who, size_t n, int which, hfy_isa isa, answers *a, derived *b) {
  static hfy_real q[MAX_Q * MAX_D], dout[MAX_Q * MAX_D], all_dout[MAX_Q * MAX_D], own[MAX_Q * MAX_N];
  static double low[MAX_Q * MAX_N], high[MAX_Q * MAX_N];
  const size_t width = net->readout ? net->readout_dim : net->dim;
  hfy_report report = report_into(a, which);
  hfy_grad grad;
  hfy_work work;
  hfy_net part = *net;
  size_t seen[MAX_Q], i, stride = net->sep.bound_stride;
  memset(&work, 0, sizeof work), memset(b, 0, sizeof *b), memset(&grad, 0, sizeof grad);
  work.isa = isa;
  for (i = 0; i < MAX_Q * MAX_D; i++) all_dout[i] = (hfy_real)cos((double)i);
  copy_rows(q, queries, who, n, net->dim), copy_rows(dout, all_dout, who, n, width);
  if (net->bias_stride) part.bias = own, copy_rows(own, bias, who, n, net->count);
  for (i = 0; i < n; i++) {
    seen[i] = net->visible ? net->visible[who[i]] : 0;
    memcpy(low + i * stride, lower + who[i] * stride, stride * sizeof *low);
    memcpy(high + i * stride, upper + who[i] * stride, stride * sizeof *high);
  }
  if (net->visible) part.visible = seen;
  if (stride && net->sep.lower) part.sep.lower = low;
  if (stride && net->sep.upper) part.sep.upper = high;
  hfy_retrieve(&part, q, n, a->out, &report, &work);
  hfy_energy(&part, q, n, b->energy, &work);
  hfy_energy_gradient(&part, q, n, b->slope, &work);
  grad.queries = b->back;
  hfy_retrieve_vjp(&part, q, n, dout, &grad, &work);
  hfy_work_free(&work);
}

#define SAME_ROW(a, b, member, width) \
  CHECK(!memcmp((a).member + i * (width), (b).member + who[i] * (width), (width) * sizeof *(a).member))

/* Each query gets the same bits in the whole batch as in pieces of it, shuffled. */
TEST(a_query_is_alone_in_its_batch) {
  static const hfy_isa isas[] = {HFY_ISA_BEST, HFY_ISA_SCALAR, HFY_ISA_SSE2, HFY_ISA_AVX2, HFY_ISA_NEON};
  static derived all, one;
  hfy_rng rng = hfy_rng_seed(seed + 35 + sizeof(hfy_real));
  size_t trial, i;
  for (trial = 0; trial < 800 / SHARES * times; trial++) {
    const size_t n = below(&rng, 4) ? 2 + below(&rng, 4) : 2 + below(&rng, MAX_Q - 1);
    const int which = (int)below(&rng, 5), failed = check_errors;
    size_t order[MAX_Q], from, to, width;
    hfy_isa isa = isas[below(&rng, 5)];
    hfy_net net;
    hfy_work work;
    memset(&work, 0, sizeof work);
    work.isa = isa;
    random_net(&rng, &net, n, below(&rng, 3) == 0);
    if (below(&rng, 2)) net.visible = visible;
    if (below(&rng, 2)) net.sep.plus = NULL, net.sep.kind = HFY_SEP_SOFTMAX;
    for (i = 0; i < n; i++) visible[i] = 1 + below(&rng, net.count);
    if (hfy_net_check(&net, NULL, &work) == HFY_ERR_UNSUPPORTED) isa = HFY_ISA_BEST;
    width = net.readout ? net.readout_dim : net.dim;
    for (i = 0; i < n; i++) order[i] = i;
    ask_of(&net, order, n, which, isa, &plain, &all);
    for (i = n; i > 1; i--) hfy_base_swap_(order + i - 1, order + below(&rng, i), sizeof *order);
    for (from = 0; from < n; from = to) {
      const size_t *who = order + from;
      to = from + 1 + below(&rng, n - from);
      ask_of(&net, who, to - from, which, isa, &fast, &one);
      for (i = 0; i < to - from; i++) {
        SAME_ROW(fast, plain, out, width);
        SAME_ROW(fast, plain, status, 1), SAME_ROW(fast, plain, best, 1), SAME_ROW(fast, plain, support, 1);
        SAME_ROW(fast, plain, steps, 1), SAME_ROW(fast, plain, cycle, 1), SAME_ROW(fast, plain, residual, 1);
        SAME_ROW(fast, plain, top_index, 3), SAME_ROW(fast, plain, top_weight, 3);
        SAME_ROW(fast, plain, best_score, 1), SAME_ROW(fast, plain, top_score, 3);
        SAME_ROW(fast, plain, weights, net.count), SAME_ROW(fast, plain, energy, (net.max_steps + 1));
        SAME_ROW(one, all, energy, 1), SAME_ROW(one, all, slope, net.dim), SAME_ROW(one, all, back, net.dim);
      }
    }
    if (check_errors > failed)
      printf("    trial %zu: sep %d sim %d post %d n %zu dim %zu queries %zu steps %zu report %d\n", trial,
             (int)net.sep.kind, (int)net.sim, (int)net.post.kind, net.count, net.dim, n, net.max_steps, which);
  }
}

/* Long walks of one query over rows beyond the caches: the bounds that go along, with and without an index. */
TEST(bounds_that_go_along_are_the_definition) {
  enum { N = 4100, D = 1024 / sizeof(hfy_real) + 3 };
  hfy_real *many = (hfy_real *)malloc((size_t)N * D * sizeof *many);
  hfy_rng rng = hfy_rng_seed(16);
  size_t trial, d, i, bytes = hfy_index_size(N, D, NULL);
  void *memory = malloc(bytes);
  hfy_index index;
  scatter(&rng, many, (size_t)N * D, 1);
  for (i = 0; i < (size_t)N * D; i++) many[i] += (hfy_real)2; /* alike: walks take steps */
  CHECK(hfy_index_build(many, N, D, 0, NULL, memory, bytes, &index, NULL) == HFY_OK);
  for (trial = 0; trial < 80 / SHARES; trial++) {
    hfy_net net;
    memset(&net, 0, sizeof net);
    net.dim = D, net.count = N, net.keys = many;
    net.sep.kind = trial % 4 == 0   ? HFY_SEP_ENTMAX
                   : trial % 4 == 1 ? HFY_SEP_SPARSEMAX
                   : trial % 4 == 2 ? HFY_SEP_KSUBSETS
                                    : HFY_SEP_NORMMAX;
    net.sep.k = 3;
    net.beta = trial % 3 ? 0.02 : 0.2;
    net.step = trial % 5 ? 1 : 0.4;
    net.max_steps = STEPS;
    if (trial % 2) net.index = &index;
    for (i = 0; i < 2; i++)
      for (d = 0; d < D; d++)
        queries[i * D + d] = many[(trial * 97 + i) * D + d] + (hfy_real)hfy_rng_normal(&rng);
    compare(&net, 1 + trial % 2, trial % 3 ? 1 : 2, 0, HFY_ISA_BEST);
  }
  free(many), free(memory);
}

int main(int argc, char **argv) {
  if (argc > 1 && argv[1][0] >= '0' && argv[1][0] <= '9') {
    seed = strtoul(argv[1], NULL, 10);
    times = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    argc = 1;
  }
  CHECK_BEGIN(argc, argv);
  fast.weights = (hfy_real *)malloc((size_t)MAX_Q * MAX_N * sizeof *fast.weights);
  plain.weights = (hfy_real *)malloc((size_t)MAX_Q * MAX_N * sizeof *plain.weights);
  RUN(every_fast_way_is_the_definition);
  RUN(no_wild_net_has_a_wild_answer);
  RUN(a_query_is_alone_in_its_batch);
  RUN(bounds_that_go_along_are_the_definition);
  free(fast.weights), free(plain.weights);
  return CHECK_END();
}
