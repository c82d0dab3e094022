/* versions.c: two versions of hfy.h against each other, case by case: old, new, old, new, ... on the same data.
 *     versions OLD.so NEW.so [PART]     only cases whose name contains PART
 * Both are the implementation alone, as shared libraries. Prints for each case the median over the rounds of new / old,
 * its quartiles and the ratio of the best samples; at the end how many have a median above 1.03 and above 1.08.
 * Environment: VERSIONS_ROUNDS (15), VERSIONS_SECONDS a sample (0.02), VERSIONS_ISA (a number of hfy_isa; 0: the best). */
#define _POSIX_C_SOURCE 200809L
#include "hfy.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FUNCTIONS(X)                                                                                                    \
  X(hfy_retrieve) X(hfy_retrieve_vjp) X(hfy_energy) X(hfy_index_build) X(hfy_sim_scores) X(hfy_sep_apply)               \
  X(hfy_sep_vjp) X(hfy_structure_solve) X(hfy_eigenvalues) X(hfy_eigenvectors) X(hfy_linalg_eigen) X(hfy_linalg_svd)    \
  X(hfy_linalg_pinv) X(hfy_theory_separate) X(hfy_theory_jacobian) X(hfy_binary_weights)              \
  X(hfy_binary_recall) X(hfy_kernel_pack) X(hfy_kernel_train) X(hfy_kernel_recall)                \
  X(hfy_rate_weights) X(hfy_rate_stability) X(hfy_rate_patterns) X(hfy_rate_weights_sparse) X(hfy_structure_sequence)         \
  X(hfy_structure_matching) X(hfy_structure_chain)
typedef struct version {
#define MEMBER(f) __typeof__(f) *f;
  FUNCTIONS(MEMBER) } version;

static int failed;
static hfy_work work;
static hfy_rng rng = {7, 0, 0};

static double uniform(void) {
  rng.state = rng.state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (double)(rng.state >> 11) / 9007199254740992.0 * 2 - 1;
}
static void *room(size_t bytes) {
  void *p = malloc(bytes ? bytes : 1);
  if (!p) exit(2);
  memset(p, 0, bytes);
  return p;
}
static hfy_real *reals(size_t n) {
  hfy_real *x = (hfy_real *)room(n * sizeof *x);
  size_t i;
  for (i = 0; i < n; i++) x[i] = (hfy_real)(uniform() + uniform() + uniform());
  return x;
}
static double *doubles(size_t n) {
  double *x = (double *)room(n * sizeof *x);
  size_t i;
  for (i = 0; i < n; i++) x[i] = uniform() + uniform() + uniform();
  return x;
}

typedef struct given {
  hfy_net net;
  hfy_sep sep;
  size_t n, m;          /* whatever the case counts */
  hfy_real *in, *out, *other;
  double *a, *b, *c, *d;
  void *memory;
  hfy_index index;
  hfy_kernel kernel;
  uint64_t *bits, *ends;
  hfy_binary binary;
  hfy_rate rate;
} given;

typedef struct named {
  const char *name;
  void (*make)(const version *v, given *g);
  hfy_status (*run)(const version *v, given *g);
} named;

/* --- retrievals --- */
static void make_net(given *g, size_t count, size_t dim, size_t queries, hfy_sep_kind kind, double beta) {
  size_t i;
  g->net.dim = dim;
  g->net.count = count;
  g->net.keys = reals(count * dim);
  g->net.beta = beta;
  g->net.sep.kind = kind;
  g->net.max_steps = 1;
  g->n = queries;
  g->in = reals(queries * dim);
  for (i = 0; i < queries * dim; i++) g->in[i] = (hfy_real)((double)g->net.keys[i % (count * dim)] + 0.5 * (double)g->in[i]);
  g->out = reals(queries * dim);
}
static hfy_status run_net(const version *v, given *g) { return v->hfy_retrieve(&g->net, g->in, g->n, g->out, NULL, &work); }
#define NET(name, count, dim, queries, kind, beta, extra)                                                               \
  static void name(const version *v, given *g)                                                                          \
  {                                                                                                                     \
    (void)v;                                                                                                            \
    make_net(g, count, dim, queries, kind, beta);                                                                       \
    extra;                                                                                                              \
  }
NET(softmax_1, 10000, 256, 1, HFY_SEP_SOFTMAX, 0.1, (void)0)
NET(softmax_64, 4000, 256, 64, HFY_SEP_SOFTMAX, 0.1, (void)0)
NET(softmax_256, 1000, 784, 256, HFY_SEP_SOFTMAX, 0.02, (void)0)
NET(softmax_half, 20000, 64, 128, HFY_SEP_SOFTMAX, 0.4, (void)0) /* half of the weights vanish */
NET(sparsemax_1, 10000, 256, 1, HFY_SEP_SPARSEMAX, 0.1, (void)0)
NET(sparsemax_64, 4000, 256, 64, HFY_SEP_SPARSEMAX, 0.1, (void)0)
NET(entmax_64, 4000, 256, 64, HFY_SEP_ENTMAX, 0.1, (void)0)
NET(entmax_steps, 4000, 256, 8, HFY_SEP_ENTMAX, 0.02, g->net.max_steps = 20)
NET(normmax_64, 4000, 256, 64, HFY_SEP_NORMMAX, 0.1, g->net.sep.gamma = 5)
NET(ksubsets_64, 4000, 256, 64, HFY_SEP_KSUBSETS, 0.1, g->net.sep.k = 4)
NET(argmax_64, 4000, 256, 64, HFY_SEP_ARGMAX, 0.1, (void)0)
NET(walk_64, 4000, 256, 64, HFY_SEP_SPARSEMAX, 0.3, g->net.max_steps = 20)
NET(walk_1, 20000, 256, 1, HFY_SEP_SPARSEMAX, 0.02, g->net.max_steps = 20)
NET(small_1, 16, 32, 1, HFY_SEP_SPARSEMAX, 1, (void)0)
NET(classical_16, 200, 500, 16, HFY_SEP_IDENTITY, 1, (g->net.post.kind = HFY_POST_SIGN, g->net.max_steps = 10))
NET(euclidean_64, 4000, 256, 64, HFY_SEP_SPARSEMAX, 0.1, g->net.sim = HFY_SIM_EUCLIDEAN)
NET(manhattan_16, 4000, 256, 16, HFY_SEP_SPARSEMAX, 0.1, g->net.sim = HFY_SIM_MANHATTAN)
NET(cosine_64, 4000, 256, 64, HFY_SEP_SOFTMAX, 8, g->net.sim = HFY_SIM_COSINE)
NET(layernorm_64, 1000, 64, 64, HFY_SEP_ENTMAX, 1, g->net.post.kind = HFY_POST_LAYERNORM)
static void indexed(const version *v, given *g, size_t queries) {
  size_t bytes = 0;
  make_net(g, 20000, 256, queries, HFY_SEP_SPARSEMAX, 0.3);
  bytes = 20000 * (256 + 256) + (1 << 22);
  g->memory = room(bytes);
  if (v->hfy_index_build(g->net.keys, 20000, 256, 0, NULL, g->memory, bytes, &g->index, &work)) failed = 1;
  g->net.index = &g->index;
}
static void indexed_1(const version *v, given *g) { indexed(v, g, 1); }
static void indexed_64(const version *v, given *g) { indexed(v, g, 64); }
static hfy_status run_build(const version *v, given *g) {
  hfy_index index;
  return v->hfy_index_build(g->net.keys, 20000, 256, 0, NULL, g->memory, 20000 * (256 + 256) + (1 << 22), &index, &work);
}
static hfy_status run_vjp(const version *v, given *g) {
  hfy_grad grad;
  memset(&grad, 0, sizeof grad);
  grad.queries = g->out;
  return v->hfy_retrieve_vjp(&g->net, g->in, g->n, g->in, &grad, &work);
}
static hfy_status run_energy(const version *v, given *g) { return v->hfy_energy(&g->net, g->in, g->n, g->a, &work); }
NET(vjp_16, 1000, 128, 16, HFY_SEP_SOFTMAX, 0.1, (void)0)
NET(energy_16, 1000, 128, 16, HFY_SEP_ENTMAX, 0.1, g->a = doubles(16))

/* --- separations --- */
static void make_rows(given *g, size_t rows, size_t n, hfy_sep_kind kind) {
  g->n = rows;
  g->m = n;
  g->sep.kind = kind;
  g->in = reals(rows * n);
  g->out = reals(rows * n);
  g->other = reals(rows * n);
}
static hfy_status run_sep(const version *v, given *g) { return v->hfy_sep_apply(&g->sep, g->in, g->n, g->m, g->out, &work); }
static hfy_status run_sep_vjp(const version *v, given *g) {
  hfy_sep_grad grad;
  memset(&grad, 0, sizeof grad);
  grad.theta = g->out;
  return v->hfy_sep_vjp(&g->sep, g->in, g->other, g->in, g->n, g->m, &grad, &work);
}
#define SEP(name, rows, n, kind, extra)                                                                                 \
  static void name(const version *v, given *g)                                                                          \
  {                                                                                                                     \
    (void)v;                                                                                                            \
    make_rows(g, rows, n, kind);                                                                                        \
    extra;                                                                                                              \
  }
SEP(rows_softmax, 64, 1000, HFY_SEP_SOFTMAX, (void)0)
SEP(rows_sparsemax, 64, 1000, HFY_SEP_SPARSEMAX, (void)0)
SEP(rows_entmax, 64, 1000, HFY_SEP_ENTMAX, (void)0)
SEP(rows_entmax_13, 64, 1000, HFY_SEP_ENTMAX, g->sep.alpha = 1.3)
SEP(rows_entmax_3, 64, 1000, HFY_SEP_ENTMAX, g->sep.alpha = 3)
SEP(rows_normmax, 64, 1000, HFY_SEP_NORMMAX, g->sep.gamma = 2)
SEP(rows_normmax_5, 64, 1000, HFY_SEP_NORMMAX, g->sep.gamma = 5)
SEP(rows_ksubsets, 64, 1000, HFY_SEP_KSUBSETS, g->sep.k = 10)
SEP(rows_argmax, 64, 1000, HFY_SEP_ARGMAX, (void)0)
SEP(rows_exp, 64, 1000, HFY_SEP_EXP, (void)0)
SEP(rows_sequence, 4, 100, HFY_SEP_SEQUENCE_KSUBSETS, (g->sep.k = 5, g->sep.transition = 0.3))

/* --- structures: each version asks its own oracle --- */
static void sequence(const version *v, given *g) {
  (void)v;
  g->a = doubles(60), g->b = doubles(60), g->c = doubles(60);
}
static void chain(const version *v, given *g) {
  (void)v;
  g->a = doubles(40), g->b = doubles(144), g->c = doubles(40);
}
static void matching(const version *v, given *g) {
  (void)v;
  g->a = doubles(144), g->b = NULL, g->c = doubles(144);
}
static hfy_status run_structure(const version *v, const given *g, hfy_structure structure) {
  hfy_structure_answer answer;
  memset(&answer, 0, sizeof answer);
  answer.unary = g->c;
  return v->hfy_structure_solve(&structure, 1, g->a, g->b, &answer, &work);
}
static hfy_status run_sequence(const version *v, given *g) { return run_structure(v, g, v->hfy_structure_sequence(60, 6)); }
static hfy_status run_chain(const version *v, given *g) {
  static const size_t states[] = {4, 4, 4, 4, 4, 4, 4, 4, 4, 4};
  return run_structure(v, g, v->hfy_structure_chain(10, states));
}
static hfy_status run_matching(const version *v, given *g) { return run_structure(v, g, v->hfy_structure_matching(12)); }

/* --- linear algebra --- */
static void make_square(given *g, size_t n) {
  size_t i, j;
  g->n = n;
  g->a = doubles(n * n), g->b = doubles(n * n), g->c = doubles(n * n), g->d = doubles(n * n);
  for (i = 0; i < n; i++)
    for (j = 0; j < i; j++) g->b[i * n + j] = g->b[j * n + i];
}
static void square_100(const version *v, given *g) { (void)v, make_square(g, 100); }
static void square_200(const version *v, given *g) { (void)v, make_square(g, 200); }
static hfy_status run_eigenvalues(const version *v, given *g) { return v->hfy_eigenvalues(g->a, g->n, g->c, g->d, &work); }
static hfy_status run_eigenvectors(const version *v, given *g) {
  static double re[200], im[200], x[20 * 200], y[20 * 200];
  hfy_status status = v->hfy_eigenvalues(g->a, g->n, re, im, &work);
  return status ? status : v->hfy_eigenvectors(g->a, g->n, re, im, 20, x, y, NULL, &work);
}
static hfy_status run_symmetric(const version *v, given *g) { return v->hfy_linalg_eigen(g->b, g->n, g->c, g->d, &work); }
static hfy_status run_svd(const version *v, given *g) { return v->hfy_linalg_svd(g->a, g->n, g->n, g->c, g->d, g->b, &work); }
static hfy_status run_pinv(const version *v, given *g) { return v->hfy_linalg_pinv(g->a, g->n, g->n / 2, 0, g->c, NULL, &work); }

/* --- theory --- */
NET(patterns_1000, 1000, 64, 1, HFY_SEP_SPARSEMAX, 1, (g->a = doubles(64 * 64)))
NET(attention_1000, 1000, 64, 1, HFY_SEP_SOFTMAX, 0.1, (g->a = doubles(64 * 64)))
static hfy_status run_separate(const version *v, given *g) {
  hfy_theory_separation out;
  memset(&out, 0, sizeof out);
  out.separation = g->c ? g->c : (g->c = doubles(1000));
  return v->hfy_theory_separate(&g->net, &out, &work);
}
static hfy_status run_jacobian(const version *v, given *g) {
  hfy_theory_jacobian_norm norms;
  return v->hfy_theory_jacobian(&g->net, g->in, g->a, &norms, &work);
}

/* --- binary, kernel, rate --- */
static void make_signs(given *g, size_t count, size_t dim, size_t states) {
  size_t i;
  g->other = reals(count * dim);
  g->in = reals(states * dim);
  g->out = reals(states * dim);
  for (i = 0; i < count * dim; i++) g->other[i] = g->other[i] > 0 ? 1 : -1;
  for (i = 0; i < states * dim; i++) g->in[i] = uniform() < -0.8 ? -g->other[i % (count * dim)] : g->other[i % (count * dim)];
  g->n = states;
}
static void binary_hebb(const version *v, given *g) {
  make_signs(g, 40, 400, 16);
  g->memory = room(400 * 400 * sizeof(hfy_real));
  if (v->hfy_binary_weights(HFY_BINARY_HEBBIAN, g->other, 40, 400, 0, 0, (hfy_real *)g->memory, &work)) failed = 1;
  g->binary.kind = HFY_BINARY_WEIGHTS;
  g->binary.dim = 400;
  g->binary.weights = (hfy_real *)g->memory;
}
static void binary_dense(const version *v, given *g) {
  (void)v;
  make_signs(g, 300, 100, 16);
  g->binary.kind = HFY_BINARY_POWER;
  g->binary.dim = 100;
  g->binary.count = 300;
  g->binary.patterns = g->other;
}
static hfy_status run_binary(const version *v, given *g) {
  return v->hfy_binary_recall(&g->binary, g->in, g->n, g->out, NULL, &work);
}
static hfy_status run_projection(const version *v, given *g) {
  return v->hfy_binary_weights(HFY_BINARY_PSEUDO_INVERSE, g->other, 40, 400, 0, 0, (hfy_real *)g->memory, &work);
}
static void kernel_memory(const version *v, given *g) {
  size_t P = 120, N = 200, words = 4;
  hfy_kernel_training how;
  make_signs(g, P, N, 64);
  g->bits = (uint64_t *)room(P * words * 8), g->ends = (uint64_t *)room(64 * words * 8);
  if (v->hfy_kernel_pack(g->other, P, N, g->bits, &work)) failed = 1;
  g->kernel.dim = N;
  g->kernel.count = P;
  g->kernel.patterns = g->bits;
  g->kernel.gamma = 0.02;
  g->a = (double *)room(P * N * sizeof(double));
  memset(&how, 0, sizeof how);
  how.lambda = 0.01;
  if (v->hfy_kernel_train(&g->kernel, &how, g->a, NULL, &work)) failed = 1;
  g->kernel.alpha = g->a;
  g->kernel.max_steps = 30;
}
static hfy_status run_train(const version *v, given *g) {
  hfy_kernel_training how;
  memset(&how, 0, sizeof how);
  how.lambda = 0.01;
  memset(g->a, 0, 120 * 200 * sizeof(double));
  return v->hfy_kernel_train(&g->kernel, &how, g->a, NULL, &work);
}
static hfy_status run_kernel(const version *v, given *g) { return v->hfy_kernel_recall(&g->kernel, g->bits, 64, g->ends, NULL, &work); }

static void rate_memory(const version *v, given *g) {
  g->n = 120, g->m = 300;
  g->rate.power = 2;
  g->rate.theta = -1;
  g->a = (double *)room(g->n * g->m * sizeof(double));
  g->b = (double *)room(g->m * g->m * sizeof(double));
  g->c = (double *)room(g->n * sizeof(double));
  if (v->hfy_rate_patterns(&rng, 0.5, 1, g->n, g->m, g->a, &work)) failed = 1;
  if (v->hfy_rate_weights(&g->rate, g->a, g->n, g->m, 0, g->b, &work)) failed = 1;
}
static hfy_status run_rate(const version *v, given *g) {
  return v->hfy_rate_weights(&g->rate, g->a, g->n, g->m, 0, g->b, &work);
}
static hfy_status run_stability(const version *v, given *g) {
  return v->hfy_rate_stability(&g->rate, g->b, g->a, 2, g->m, g->c, NULL, &work);
}
static void rate_sparse(const version *v, given *g) {
  rate_memory(v, g);
  g->n = 40, g->m = 80;
  if (v->hfy_rate_patterns(&rng, 0.5, 0.5, g->n, g->m, g->a, &work)) failed = 1;
}
static hfy_status run_sparse(const version *v, given *g) {
  return v->hfy_rate_weights_sparse(&g->rate, g->a, g->n, g->m, 0, g->b, NULL, &work);
}

static const named cases[] = {
  {"retrieve.softmax 10000x256 1", softmax_1, run_net},
  {"retrieve.softmax 4000x256 64", softmax_64, run_net},
  {"retrieve.softmax 1000x784 256", softmax_256, run_net},
  {"retrieve.softmax half 20000x64 128", softmax_half, run_net},
  {"retrieve.sparsemax 10000x256 1", sparsemax_1, run_net},
  {"retrieve.sparsemax 4000x256 64", sparsemax_64, run_net},
  {"retrieve.entmax 4000x256 64", entmax_64, run_net},
  {"retrieve.entmax 4000x256 8, to 20 steps", entmax_steps, run_net},
  {"retrieve.normmax5 4000x256 64", normmax_64, run_net},
  {"retrieve.ksubsets4 4000x256 64", ksubsets_64, run_net},
  {"retrieve.argmax 4000x256 64", argmax_64, run_net},
  {"retrieve.sparsemax 4000x256 64, to 20 steps", walk_64, run_net},
  {"retrieve.sparsemax 20000x256 1, to 20 steps", walk_1, run_net},
  {"retrieve.sparsemax 16x32 1", small_1, run_net},
  {"retrieve.classical 200x500 16", classical_16, run_net},
  {"retrieve.layernorm 1000x64 64", layernorm_64, run_net},
  {"retrieve.indexed 20000x256 1", indexed_1, run_net},
  {"retrieve.indexed 20000x256 64", indexed_64, run_net},
  {"retrieve.index build 20000x256", indexed_1, run_build},
  {"retrieve.vjp 1000x128 16", vjp_16, run_vjp},
  {"retrieve.energy 1000x128 16", energy_16, run_energy},
  {"distance.euclidean 4000x256 64", euclidean_64, run_net},
  {"distance.manhattan 4000x256 16", manhattan_16, run_net},
  {"distance.cosine 4000x256 64", cosine_64, run_net},
  {"sep.softmax 64x1000", rows_softmax, run_sep},
  {"sep.sparsemax 64x1000", rows_sparsemax, run_sep},
  {"sep.entmax1.5 64x1000", rows_entmax, run_sep},
  {"sep.entmax1.3 64x1000", rows_entmax_13, run_sep},
  {"sep.entmax3 64x1000", rows_entmax_3, run_sep},
  {"sep.normmax2 64x1000", rows_normmax, run_sep},
  {"sep.normmax5 64x1000", rows_normmax_5, run_sep},
  {"sep.ksubsets10 64x1000", rows_ksubsets, run_sep},
  {"sep.argmax 64x1000", rows_argmax, run_sep},
  {"sep.exp 64x1000", rows_exp, run_sep},
  {"sep.sequence 4x100", rows_sequence, run_sep},
  {"sep.vjp softmax 64x1000", rows_softmax, run_sep_vjp},
  {"structure.sequence 60", sequence, run_sequence},
  {"structure.chain 10x4", chain, run_chain},
  {"structure.matching 12", matching, run_matching},
  {"linalg.eigenvalues 100", square_100, run_eigenvalues},
  {"linalg.eigenvalues 200", square_200, run_eigenvalues},
  {"linalg.eigenvectors 200", square_200, run_eigenvectors},
  {"linalg.symmetric 200", square_200, run_symmetric},
  {"linalg.svd 100", square_100, run_svd},
  {"linalg.pinv 200x100", square_200, run_pinv},
  {"theory.separate 1000x64", patterns_1000, run_separate},
  {"theory.jacobian 1000x64", attention_1000, run_jacobian},
  {"binary.hebb 400 16", binary_hebb, run_binary},
  {"binary.projection 40x400", binary_hebb, run_projection},
  {"binary.cubic 300x100 16", binary_dense, run_binary},
  {"kernel.train 120x200", kernel_memory, run_train},
  {"kernel.recall 120x200 64", kernel_memory, run_kernel},
  {"rate.weights 120x300", rate_memory, run_rate},
  {"rate.sparse 40x80", rate_sparse, run_sparse},
  {"rate.stability 300", rate_memory, run_stability},
};

/* --- pairs --- */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double sample(const version *v, const named *c, given *g, long times) {
  double start = now();
  long i;
  for (i = 0; i < times; i++)
    if (c->run(v, g)) failed = 1;
  return (now() - start) / (double)times;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static int load(const char *path, version *v) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return 0;
#define FIND(f) *(void **)(&v->f) = dlsym(library, #f);
  FUNCTIONS(FIND)
#define FOUND(f) &&v->f
  return 1 FUNCTIONS(FOUND);
}

int main(int argc, char **argv) {
  const char *set_rounds = getenv("VERSIONS_ROUNDS"), *set_seconds = getenv("VERSIONS_SECONDS");
  const char *set_isa = getenv("VERSIONS_ISA");
  int rounds = set_rounds ? atoi(set_rounds) : 15, made = 0, above_3 = 0, above_8 = 0, r;
  double seconds = set_seconds ? atof(set_seconds) : 0.02;
  static version old, new;
  size_t k;
  if (argc < 3 || !load(argv[1], &old) || !load(argv[2], &new) || rounds < 3 || rounds > 999) {
    fprintf(stderr, "versions OLD.so NEW.so [PART]%s%s\n", argc < 3 ? "" : ": ", argc < 3 ? "" : "not both could be loaded");
    return 2;
  }
  work.isa = set_isa ? (hfy_isa)atoi(set_isa) : HFY_ISA_BEST;
  for (k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    const named *c = cases + k;
    double ratio[999], best_old = 1e300, best_new = 1e300;
    long times;
    given g;
    if (argc > 3 && !strstr(c->name, argv[3])) continue;
    memset(&g, 0, sizeof g);
    failed = 0;
    c->make(&new, &g);
    sample(&new, c, &g, 1);
    times = (long)(seconds / (sample(&old, c, &g, 1) + 1e-9)) + 1;
    for (r = 0; r < rounds; r++) {
      double a = sample(&old, c, &g, times), b = sample(&new, c, &g, times);
      ratio[r] = b / a;
      if (a < best_old) best_old = a;
      if (b < best_new) best_new = b;
    }
    qsort(ratio, (size_t)rounds, sizeof ratio[0], ascending);
    printf("%-46s %10.3g s  new/old %.3f (%.3f to %.3f), best %.3f%s\n", c->name, best_new, ratio[rounds / 2],
           ratio[rounds / 4], ratio[rounds - 1 - rounds / 4], best_new / best_old, failed ? "  FAILED" : "");
    fflush(stdout);
    made++;
    above_3 += ratio[rounds / 2] > 1.03;
    above_8 += ratio[rounds / 2] > 1.08;
  }
  printf("%d cases: %d above 1.03, %d above 1.08\n", made, above_3, above_8);
  return 0;
}
