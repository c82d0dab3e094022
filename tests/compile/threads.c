/* Prints a hash of the bits of many retrievals and of what else shares its work out: it must not depend on who does the
   work. With POSIX_THREADS the work is handed to POSIX threads through HFY_PARALLEL_FOR. */
#ifdef POSIX_THREADS
#include <pthread.h>
#include <stddef.h>

typedef struct gang {
  void (*body)(void *context, size_t i);
  void *context;
  size_t n, first, step;
} gang;

static void *gang_run(void *p) {
  gang *g = (gang *)p;
  size_t i;
  for (i = g->first; i < g->n; i += g->step) g->body(g->context, i);
  return NULL;
}

static void gang_for(size_t n, void (*body)(void *context, size_t i), void *context) {
  enum { THREADS = 4 };
  pthread_t thread[THREADS];
  gang g[THREADS];
  size_t t;
  for (t = 0; t < THREADS; t++) {
    g[t].body = body, g[t].context = context, g[t].n = n, g[t].first = t, g[t].step = THREADS;
    if (pthread_create(&thread[t], NULL, gang_run, &g[t])) g[t].n = 0, thread[t] = pthread_self(), gang_run(&g[t]);
  }
  for (t = 0; t < THREADS; t++)
    if (!pthread_equal(thread[t], pthread_self())) pthread_join(thread[t], NULL);
}
#define HFY_PARALLEL_FOR(n, body, context) gang_for(n, body, context)
#define HFY_WORKERS 4
#endif
#define HFY_IMPLEMENTATION
#include "../../hfy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash(uint64_t h, const void *data, size_t bytes) {
  const unsigned char *p = (const unsigned char *)data;
  while (bytes--) h = (h ^ *p++) * UINT64_C(1099511628211);
  return h;
}

/* what needs no net: kernel and binary memories, spectra, rate networks; all of it double but the binary patterns */
static uint64_t hash_others(uint64_t h, size_t *failures) {
  enum { P = 130, N = 70, WORDS = 2, CUES = 40, RATES = 60 };
  static uint64_t bits[P * WORDS], cues[CUES * WORDS];
  static double alpha[P * N], gram[P * P], values[P], vectors[P * P], re[P], im[P];
  static double rates[20 * RATES], w[RATES * RATES];
  static hfy_real x[P * N], out[CUES * N];
  hfy_kernel k;
  hfy_binary binary;
  hfy_rate unit = {0, 0, 0, NULL};
  hfy_rng rng = hfy_rng_seed(6);
  size_t stable;
  int i;
  memset(&k, 0, sizeof k);
  k.dim = N, k.count = P, k.patterns = bits, k.gamma = 0.03, k.alpha = alpha;
  *failures += hfy_kernel_random(P, N, &rng, bits, NULL) != HFY_OK;
  *failures += hfy_kernel_gram(&k, gram, NULL) != HFY_OK;
  h = hash(h, gram, sizeof gram);
  for (i = HFY_KERNEL_PAPER; i >= HFY_KERNEL_EXACT; i--) { /* the default trainer's alpha stays */
    hfy_kernel_training how;
    memset(&how, 0, sizeof how);
    how.trainer = (hfy_kernel_trainer)i, how.max_iterations = i == HFY_KERNEL_PAPER ? 20 : 0;
    *failures += hfy_kernel_train(&k, &how, alpha, NULL, NULL) != HFY_OK;
    h = hash(h, alpha, sizeof alpha);
  }
  for (i = HFY_BINARY_SYNCHRONOUS; i <= HFY_BINARY_RANDOM; i++) {
    k.order = (hfy_binary_order)i, k.max_steps = 1; /* from far, one sweep: the order shows */
    *failures += hfy_kernel_flip(bits, CUES, N, 30, &rng, cues, NULL) != HFY_OK;
    *failures += hfy_kernel_recall(&k, cues, CUES, cues, NULL, NULL) != HFY_OK;
    h = hash(h, cues, sizeof cues);
  }
  *failures += hfy_kernel_unpack(bits, P, N, x, NULL) != HFY_OK;
  memset(&binary, 0, sizeof binary);
  binary.dim = N, binary.count = P, binary.patterns = x;
  binary.kind = HFY_BINARY_POWER, binary.order = HFY_BINARY_RANDOM;
  *failures += hfy_binary_recall(&binary, x, CUES, out, NULL, NULL) != HFY_OK;
  h = hash(h, out, sizeof out);
  *failures += hfy_linalg_eigen(gram, P, values, vectors, NULL) != HFY_OK;
  h = hash(hash(h, values, sizeof values), vectors, sizeof vectors);
  gram[5] = 2; /* no longer symmetric */
  *failures += hfy_eigenvalues(gram, P, re, im, NULL) != HFY_OK;
  h = hash(hash(h, re, sizeof re), im, sizeof im);
  memset(&unit, 0, sizeof unit);
  unit.power = 1, unit.theta = -0.5;
  *failures += hfy_rate_patterns(&rng, 1, 0.5, 20, RATES, rates, NULL) != HFY_OK;
  *failures += hfy_rate_weights_sparse(&unit, rates, 20, RATES, 0, w, NULL, NULL) != HFY_OK;
  h = hash(h, w, sizeof w);
  *failures += hfy_rate_stability(&unit, w, rates, 20, RATES, values, &stable, NULL) != HFY_OK;
  return hash(h, values, sizeof values);
}

/* layers: self-association, trained states (folded), memories, all with dropout; out, and every gradient */
static uint64_t hash_layers(uint64_t h, const hfy_real *x, size_t *failures) {
  enum { WIDE = 48, BAGS = 5, EACH = 60, REALS = 20000 };
  hfy_real *params = (hfy_real *)malloc(sizeof *params * REALS), *grads = (hfy_real *)malloc(sizeof *params * REALS);
  hfy_real *out = (hfy_real *)malloc(sizeof *out * BAGS * EACH * WIDE);
  hfy_real *d_in = (hfy_real *)malloc(sizeof *out * BAGS * EACH * WIDE), *tape;
  size_t which, i;
  for (which = 0; params && grads && out && d_in && which < 4; which++) {
    hfy_layer layer;
    hfy_layer_input in;
    hfy_layer_grad grad = {NULL, NULL, NULL, NULL, NULL};
    size_t end = 0, rows;
    hfy_work work;
    memset(&layer, 0, sizeof layer);
    memset(&in, 0, sizeof in);
    memset(&work, 0, sizeof work);
    layer.width = WIDE;
    layer.heads = 3;
    layer.extra_steps = which & 1;
    layer.dropout = 0.2;
    layer.queries = which == 1 ? 2 : 0;
    layer.memories = which == 2 ? 40 : 0;
    if (which == 3) layer.sep.kind = HFY_SEP_SPARSEMAX;
    in.bags = BAGS;
    in.stored_each = in.state_each = EACH;
    in.training = 1;
    in.seed = which;
    *(which == 2 ? &in.state : &in.stored) = x;
    *(which == 2 ? &grad.state : &grad.stored) = d_in;
    grad.params = grads;
    *failures += hfy_layer_params(&layer, NULL, 0, NULL, 0, NULL, &end, &work) != HFY_OK || end > REALS;
    for (i = 0; i < end; i++) params[i] = x[i * 3] / 5;
    *failures += hfy_layer_tape(&layer, &in, &in.tape_reals, &work) != HFY_OK;
    tape = (hfy_real *)malloc(sizeof *tape * in.tape_reals);
    memset(grads, 0, sizeof *grads * REALS);
    memset(d_in, 0, sizeof *d_in * BAGS * EACH * WIDE);
    *failures += hfy_layer_forward(&layer, params, &in, out, tape, NULL, &work) != HFY_OK;
    *failures += hfy_layer_backward(&layer, params, &in, tape, x, &grad, &work) != HFY_OK;
    rows = layer.queries ? BAGS * layer.queries : BAGS * EACH;
    h = hash(h, out, sizeof *out * rows * WIDE);
    h = hash(h, grads, sizeof *grads * end);
    h = hash(h, d_in, sizeof *d_in * BAGS * EACH * WIDE);
    free(tape);
    hfy_work_free(&work);
  }
  free(params);
  free(grads);
  free(out);
  free(d_in);
  return h;
}

int main(void) {
  enum { D = 24, SMALL = 300, LARGE = 30000, MANY = 130, ALL = 4200 * 256 };
  hfy_real *keys = (hfy_real *)malloc(sizeof *keys * ALL), *q = (hfy_real *)malloc(sizeof *q * MANY * D);
  hfy_real *out = (hfy_real *)malloc(sizeof *out * MANY * D), *weights = (hfy_real *)malloc(sizeof *out * MANY * SMALL);
  hfy_real *grad_keys = (hfy_real *)malloc(sizeof *out * SMALL * D);
  double *energy = (double *)malloc(sizeof *energy * MANY * 4);
  size_t *best = (size_t *)malloc(sizeof *best * MANY), i, failures = 0;
  hfy_rng rng = hfy_rng_seed(5);
  uint64_t h = UINT64_C(14695981039346656037);
  int kind, size, sim;
  if (!keys || !q || !out || !weights || !energy || !best || !grad_keys) return 2;
  for (i = 0; i < ALL; i++) keys[i] = (hfy_real)hfy_rng_normal(&rng);
  for (i = 0; i < MANY * D; i++) q[i] = keys[(i * 7) % (LARGE * D)] + (hfy_real)(0.3 * hfy_rng_normal(&rng));
  q[17 * D + 3] = (hfy_real)HUGE_VAL; /* one query without an answer */
  for (kind = 0; kind <= HFY_SEP_SEQUENCE_KSUBSETS; kind++) { /* rows of scores, two without an answer */
    hfy_sep sep;
    hfy_work work;
    memset(&sep, 0, sizeof sep);
    memset(&work, 0, sizeof work);
    sep.kind = (hfy_sep_kind)kind, sep.k = kind == HFY_SEP_KSUBSETS ? 3 : 1;
    for (i = 0; i < (size_t)MANY * SMALL; i++) weights[i] = keys[i];
    weights[41 * SMALL + 7] = weights[99 * SMALL] = (hfy_real)HUGE_VAL;
    failures += hfy_sep_apply(&sep, weights, MANY, SMALL, weights, &work) == HFY_ERR_NONFINITE;
    h = hash(h, weights, sizeof *weights * MANY * SMALL);
    h = hash(h, work.message, strlen(work.message));
    hfy_work_free(&work);
  }
  for (kind = 0; kind <= HFY_SEP_UNIFORM; kind++)
    for (size = 0; size < 3; size++)
      for (sim = 0; sim < 4; sim++) {
        hfy_net net;
        hfy_structure structure;
        hfy_report report;
        hfy_work work;
        size_t n =
            size == 1 ? 2 : MANY; /* many queries of few patterns; few of many; many with a whole report */
        memset(&net, 0, sizeof net);
        memset(&report, 0, sizeof report);
        memset(&work, 0, sizeof work);
        memset(out, 0, sizeof *out * MANY * D);
        net.dim = D, net.count = size == 1 ? LARGE : SMALL, net.keys = keys, net.max_steps = 3;
        net.sep.kind = (hfy_sep_kind)kind, net.sim = (hfy_sim)sim;
        net.sep.k = kind == HFY_SEP_KSUBSETS || kind == HFY_SEP_SEQUENCE_KSUBSETS ? 3 : 1;
        structure = hfy_structure_at_most(net.count, 3), net.sep.structure = &structure;
        if (kind >= HFY_SEP_IDENTITY) net.post.kind = HFY_POST_L2;
        net.beta = sim == HFY_SIM_DOT ? 0.3 : 1;
        report.best = best;
        if (size == 2) report.weights = weights;
        if (size == 2 && sim == 0) report.energy = energy;
        failures += hfy_retrieve(&net, q, n, out, &report, &work) != HFY_OK;
        h = hash(h, out, sizeof *out * n * D);
        h = hash(h, work.message, strlen(work.message));
        best[17] = 0;
        h = hash(h, best, sizeof *best * n);
        if (size == 2) h = hash(h, weights, sizeof *weights * SMALL * 17);
        if (report.energy) h = hash(h, energy, sizeof *energy * 17 * 4);
        if (size == 0 && (kind <= HFY_SEP_ENTMAX || kind == HFY_SEP_NORMMAX || kind == HFY_SEP_IDENTITY ||
                          kind == HFY_SEP_SEQUENCE_KSUBSETS) && sim < 2) {
          hfy_grad grad;
          double beta = 0;
          memset(&grad, 0, sizeof grad);
          memset(grad_keys, 0, sizeof *grad_keys * SMALL * D);
          grad.keys = grad_keys, grad.beta = &beta;
          failures += hfy_retrieve_vjp(&net, q, n, q, &grad, &work) != HFY_OK;
          h = hash(h, grad_keys, sizeof *grad_keys * SMALL * D);
          h = hash(h, &beta, sizeof beta);
        }
        hfy_work_free(&work);
      }
  for (size = 0; size < 3; size++) { /* few queries that share a search: without an index, of rows, with a prefix */
    enum { WIDE = 256, TALL = ALL / WIDE };
    hfy_index_options options = {size == 2 ? 6 : SIZE_MAX, 0, 0, HFY_SIM_DOT};
    size_t bytes = hfy_index_size(TALL, WIDE, &options);
    void *memory = malloc(bytes);
    hfy_index index;
    hfy_net net;
    memset(&net, 0, sizeof net);
    net.dim = WIDE, net.count = TALL, net.keys = keys, net.beta = 0.05, net.max_steps = 6;
    failures += !memory || hfy_index_build(keys, TALL, WIDE, 0, &options, memory, bytes, &index, NULL) != HFY_OK;
    if (size) net.index = &index;
    for (kind = HFY_SEP_SPARSEMAX; kind <= HFY_SEP_KSUBSETS; kind++)
      for (i = 1; i < 4; i += 2) {
        net.sep.kind = (hfy_sep_kind)kind, net.sep.k = kind == HFY_SEP_KSUBSETS ? 12 : 0;
        failures += hfy_retrieve(&net, q, i, out, NULL, NULL) != HFY_OK;
        h = hash(h, out, sizeof *out * i * WIDE);
      }
    free(memory);
  }
  { /* the Gram matrix, block by block */
    hfy_theory_separation what;
    hfy_net net;
    memset(&net, 0, sizeof net);
    memset(&what, 0, sizeof what);
    net.dim = D, net.count = MANY * 4, net.keys = keys, net.beta = 0.1, net.sep.kind = HFY_SEP_SPARSEMAX;
    what.radius = energy;
    failures += hfy_theory_separate(&net, &what, NULL) != HFY_OK;
    h = hash(h, energy, sizeof *energy * MANY * 4);
    what.radius = NULL, what.separation = energy;
    failures += hfy_theory_separate(&net, &what, NULL) != HFY_OK;
    h = hash(h, energy, sizeof *energy * MANY * 4);
  }
  h = hash_layers(h, keys, &failures);
  h = hash_others(h, &failures);
  printf("%08lx%08lx after %lu refusals\n", (unsigned long)(h >> 32), (unsigned long)(h & 0xFFFFFFFFu),
         (unsigned long)failures);
  free(keys), free(q), free(out), free(weights), free(energy), free(best), free(grad_keys);
  return 0;
}
