/* The definition (>>net.plain) against everything that is faster. Each random net is answered by hfy_retrieve and by
   the definition, one query at a time; answers and reports are the same bits, but for SOFTMAX and EXP (running sums:
   to rounding). With HFY_PLAIN both are the definition, and the same nets still have to come through. */
#define HFY_IMPLEMENTATION
#ifndef HFY_STATIC
#define HFY_STATIC
#endif
#include "../hfy.h"
#include "check.h"

enum { MAX_N = 900, MAX_D = 300, MAX_Q = 40, STEPS = 9 };

typedef struct {
  hfy_real out[MAX_Q * MAX_D];
  hfy_status status[MAX_Q];
  size_t best[MAX_Q], support[MAX_Q], steps[MAX_Q], cycle[MAX_Q], top_index[MAX_Q * 3];
  double residual[MAX_Q], energy[MAX_Q * (STEPS + 1)];
  hfy_real top_weight[MAX_Q * 3], *weights;
} answers;

static hfy_real keys[MAX_N * MAX_D], values[MAX_N * MAX_D], readout[MAX_N * 5], self[MAX_D], bias[MAX_Q * MAX_N];
static hfy_real queries[MAX_Q * MAX_D];
static size_t visible[MAX_Q];
static const double infinite = HUGE_VAL;
static answers fast, plain;

static void scatter(hfy_rng *rng, hfy_real *x, size_t n, double size) {
  size_t i;
  for (i = 0; i < n; i++) x[i] = (hfy_real)(size * hfy_rng_normal(rng));
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
  memset(a->residual, 0x55, sizeof a->residual), memset(a->energy, 0x55, sizeof a->energy);
  memset(a->status, 0x55, sizeof a->status);
  if (which >= 1) r.status = a->status, r.best = a->best, r.steps = a->steps, r.cycle = a->cycle;
  if (which >= 1) r.residual = a->residual;
  if (which >= 2) r.support = a->support, r.top = 3, r.top_index = a->top_index, r.top_weight = a->top_weight;
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

static hfy_sep random_sep(hfy_rng *rng, size_t n) {
  static const double alphas[] = {1.5, 2, 1.2, 3, 0.7}, gammas[] = {2, 1.5, 5, 1, HUGE_VAL};
  hfy_sep sep;
  memset(&sep, 0, sizeof sep);
  sep.kind = (hfy_sep_kind)below(rng, HFY_SEP_UNIFORM + 1);
  if (sep.kind == HFY_SEP_SPARSEMAP || sep.kind == HFY_SEP_SEQUENCE_KSUBSETS || below(rng, 3) == 0)
    sep.kind = HFY_SEP_SPARSEMAX;
  if (sep.kind == HFY_SEP_ENTMAX) sep.alpha = alphas[below(rng, 5)];
  if (sep.kind == HFY_SEP_NORMMAX) sep.gamma = gammas[below(rng, 5)];
  if (sep.kind == HFY_SEP_KSUBSETS || sep.kind == HFY_SEP_ARGMAX) sep.k = (double)(1 + below(rng, n < 12 ? n : 12));
  if (sep.kind == HFY_SEP_KSUBSETS && below(rng, 2)) sep.k -= 0.5;
  if (sep.kind == HFY_SEP_POWER) sep.degree = 1 + 2 * hfy_rng_uniform(rng);
  if (sep.kind == HFY_SEP_SPARSEMAX && below(rng, 8) == 0) sep.upper = &infinite; /* set by the caller */
  return sep;
}

static void random_net(hfy_rng *rng, hfy_net *net, size_t n_queries) {
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
  net->sep = random_sep(rng, net->count);
  if (net->sep.upper) {
    static double caps[MAX_N];
    for (i = 0; i < net->count; i++) caps[i] = 0.2 + hfy_rng_uniform(rng) + 1 / (double)net->count;
    net->sep.upper = caps;
  }
  net->sim = below(rng, 3) ? HFY_SIM_DOT : (hfy_sim)below(rng, HFY_SIM_MANHATTAN + 1);
  net->beta = betas[below(rng, 5)];
  net->post.kind = below(rng, 2) ? HFY_POST_NONE : (hfy_post_kind)below(rng, HFY_POST_LAYERNORM + 1);
  net->max_steps = below(rng, 2) ? 1 + below(rng, STEPS) : 1;
  if (below(rng, 4) == 0) net->step = 0.3 + 0.7 * hfy_rng_uniform(rng);
  if (below(rng, 4) == 0) net->tol = 1e-3 * hfy_rng_uniform(rng);
  if (below(rng, 4) == 0) net->values = values, scatter(rng, values, net->count * net->dim, 1);
  if (below(rng, 5) == 0) net->readout = readout, net->readout_dim = 1 + below(rng, 5);
  if (net->readout) scatter(rng, readout, net->count * 5, 1);
  if (below(rng, 6) == 0) net->self_coupling = self, scatter(rng, self, net->dim, 0.2);
  if (below(rng, 4) == 0) {
    net->bias = bias, net->bias_stride = below(rng, 2) ? net->count : 0;
    scatter(rng, bias, n_queries * net->count, 1);
    for (i = 0; i < n_queries * net->count; i++)
      if (below(rng, 4) == 0) bias[i] = (hfy_real)-HUGE_VAL;
  }
  if (below(rng, 5) == 0) {
    net->visible = visible;
    for (i = 0; i < n_queries; i++) visible[i] = below(rng, net->count + 2);
  }
  for (i = 0; i < n_queries; i++) {
    const hfy_real *x = keys + below(rng, net->count) * (net->key_stride ? net->key_stride : net->dim);
    for (d = 0; d < net->dim; d++) queries[i * net->dim + d] = (hfy_real)((double)x[d] + 0.5 * hfy_rng_normal(rng));
    if (below(rng, 30) == 0) queries[i * net->dim] = (hfy_real)NAN;
  }
}

#define SAME(member, n) CHECK(!memcmp(fast.member, plain.member, (n) * sizeof *fast.member))

/* The definition, query by query. */
static hfy_status retrieve_plainly(const hfy_net *net, size_t n_queries, hfy_real *out, const hfy_report *report,
                                   hfy_work *work) {
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_net_run_ run;
  hfy_net_scratch_ s;
  hfy_work none, *w = hfy_base_open_(work, &none);
  hfy_status status = hfy_net_begin_(net, n_queries, &run, w), failure = HFY_OK;
  const int energies = report && report->energy;
  size_t who;
  if (!status) status = hfy_net_check_call_(&run.net, queries, n_queries, out, report, w);
  while (hfy_base_layout_(&arena, w, &status)) {
    run.inverse_norms = hfy_net_plan_norms_(&arena, &run.net);
    hfy_net_plan_(&arena, &run, energies, &s);
  }
  if (!status && energies) status = hfy_net_has_energy_(&run.net, &s.post, w);
  if (status) return status;
  hfy_net_call_of_(&run, queries, out, report);
  hfy_net_prepare_(&run);
  for (who = 0; who < n_queries; who++) {
    status = hfy_net_walk_plainly_(&run, who, &s);
    if (status && !failure) failure = hfy_net_failed_(w, status, who);
  }
  return failure;
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
    CHECK(close_rows(fast.out, plain.out, n_queries * width, 2000 * REAL_EPS));
  } else {
    SAME(out, MAX_Q * MAX_D), SAME(best, MAX_Q), SAME(support, MAX_Q), SAME(steps, MAX_Q), SAME(cycle, MAX_Q);
    SAME(top_index, MAX_Q * 3), SAME(top_weight, MAX_Q * 3), SAME(residual, MAX_Q);
    SAME(weights, (size_t)MAX_Q * MAX_N);
  }
  hfy_work_free(&one), hfy_work_free(&two);
  return failed == check_errors;
}

TEST(every_fast_way_is_the_definition) {
  static const hfy_isa isas[] = {HFY_ISA_BEST, HFY_ISA_SCALAR, HFY_ISA_SSE2};
  hfy_rng rng = hfy_rng_seed(15 + sizeof(hfy_real));
  size_t trial, answered = 0, many = 0;
  for (trial = 0; trial < 3000 / SHARES; trial++) {
    size_t n_queries = below(&rng, 4) ? 1 + below(&rng, 4) : 1 + below(&rng, MAX_Q);
    int which = (int)below(&rng, 5), sums;
    void *memory = NULL;
    hfy_work work;
    hfy_isa isa = isas[trial % 3];
    hfy_net net;
    random_net(&rng, &net, n_queries);
    memset(&work, 0, sizeof work);
    work.isa = isa;
    if (isa != HFY_ISA_BEST && hfy_net_check(&net, NULL, &work)) isa = HFY_ISA_BEST;
#ifdef HFY_HAS_INDEX_
    if (below(&rng, 3) == 0) {
      static hfy_index index;
      hfy_index_options options = {0, 0};
      size_t bytes;
      options.prefix = below(&rng, 2) ? 0 : 1 + below(&rng, net.dim);
      bytes = hfy_index_size(net.count, net.dim, &options);
      memory = malloc(bytes);
      CHECK(hfy_index_build(keys, net.count, net.dim, net.key_stride, &options, memory, bytes, &index, NULL) == HFY_OK);
      net.index = &index;
    }
#endif
    if (which == 4 && (net.sim != HFY_SIM_DOT || net.values)) which = 3;
    sums = (net.sep.kind == HFY_SEP_SOFTMAX || net.sep.kind == HFY_SEP_EXP) && which < 2;
    if (sums) net.max_steps = 1, net.beta = net.beta > 1 ? 1 : net.beta;
    if (!compare(&net, n_queries, which, sums, isa))
      printf("    trial %zu: sep %d sim %d post %d n %zu dim %zu queries %zu steps %zu report %d\n", trial,
             (int)net.sep.kind, (int)net.sim, (int)net.post.kind, net.count, net.dim, n_queries, net.max_steps,
             which);
    answered += which >= 1 && plain.status[0] == HFY_OK;
    many += which >= 1 && plain.status[0] == HFY_OK && plain.steps[0] > 2;
    free(memory);
  }
  if (!CHECK(answered > 1400 / SHARES && many > 140 / SHARES)) printf("    answered %zu, many steps %zu\n", answered, many);
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
  CHECK_BEGIN(argc, argv);
  fast.weights = (hfy_real *)malloc((size_t)MAX_Q * MAX_N * sizeof *fast.weights);
  plain.weights = (hfy_real *)malloc((size_t)MAX_Q * MAX_N * sizeof *plain.weights);
  RUN(every_fast_way_is_the_definition);
  RUN(bounds_that_go_along_are_the_definition);
  free(fast.weights), free(plain.weights);
  return CHECK_END();
}
