/* test_reverse.c: reverse mode of many queries: tiles are the sum of single queries, differences, the same bits from any
   number of tasks, implicit gradients against unrolled ones, failures, dropout. One query's gradients against the long
   double net: test_net_energy.c. */
#define HFY_HAS_LAYER_ /* dropout is there for layers */
#include <stddef.h>
static int task_count = 1;
static size_t last_tasks; /* of the last loop of several */
#define HFY_WORKERS task_count
#define HFY_PARALLEL_FOR(n, body, context)                                                                             \
  do {                                                                                                                 \
    size_t last_; /* the other way round */                                                                            \
    for (last_tasks = last_ = (n); last_--;) (body)(context, last_);                                                   \
  } while (0)
#define HFY_IMPLEMENTATION
#define HFY_STATIC
#define HFY_ONLY_NET
#define HFY_ONLY_STRUCTURE
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "nets.h"

enum { N = 90, D = 9, B = 96, V = 3 }; /* worth five tasks */
enum { FEW = 37 };                       /* queries where they take long */
enum { IS_DOUBLE = sizeof(hfy_real) == 8 };

/* A net larger than a fixture, and its gradients. */
typedef struct memory {
  hfy_net net;
  hfy_real keys[N * D], values[N * D], readout[N * V], bias[B * N], self[D], queries[B * D], dout[B * D];
  hfy_real gain[D], delta[D], matrix[D * D];
  double upper[N], lower[N];
  size_t visible[B];
} memory;

typedef struct slopes {
  hfy_real queries[B * D], keys[N * D], values[N * D], readout[N * V], bias[B * N], self[D], gain[D], delta[D],
      matrix[D * D];
  double upper[N], lower[N], number[11];
} slopes;

static void ask(const hfy_net *net, slopes *g, hfy_grad *grad) {
  memset(g, 0, sizeof *g);
  memset(grad, 0, sizeof *grad);
  grad->queries = g->queries;
  grad->keys = g->keys;
  grad->beta = g->number;
  if (net->values) grad->values = g->values;
  if (net->readout) grad->readout = g->readout;
  if (net->bias) grad->bias = g->bias;
  if (net->null_pattern) grad->null_score = g->number + 10;
  if (net->self_coupling) grad->self_coupling = g->self;
  if (net->sep.kind == HFY_SEP_ENTMAX) grad->alpha = g->number + 1;
  if (net->sep.kind == HFY_SEP_NORMMAX && net->sep.gamma < 1e9) grad->gamma = g->number + 2;
  if (net->sep.upper) grad->upper = g->upper;
  if (net->sep.lower) grad->lower = g->lower;
  if (net->sep.kind == HFY_SEP_SEQUENCE_KSUBSETS) {
    grad->transition = g->number + 9;
    grad->transitions = g->upper;
  }
  if (net->post.kind == HFY_POST_TANH) grad->post.beta = g->number + 3;
  if (net->post.kind == HFY_POST_L2) grad->post.radius = g->number + 4;
  if (net->post.kind == HFY_POST_LAYERNORM) {
    grad->post.gain = g->gain;
    grad->post.delta = g->delta;
    if (!net->post.gain) grad->post.eta = g->number + 5;
  }
  if (net->post.kind == HFY_POST_LINEAR) grad->post.matrix = g->matrix;
  if (net->post.kind == HFY_POST_RECTIFIED_POWER) {
    grad->post.power = g->number + 6;
    grad->post.sigma = g->number + 7;
    grad->post.theta = g->number + 8;
  }
}

/* separations and posts by the numbers of nets.h, with arrays of this file's sizes */
static void build(memory *m, uint64_t seed, int sep, int post, hfy_sim sim, unsigned options) {
  static fixture f;
  hfy_rng rng = hfy_rng_seed(seed);
  size_t i;
  memset(m, 0, sizeof *m);
  memset(&f, 0, sizeof f);
  use_sep(&f, sep);
  use_post(&f, post);
  m->net.sep = f.net.sep;
  if (sep == SEPS) { /* and one more */
    m->net.sep.kind = HFY_SEP_SEQUENCE_KSUBSETS;
    m->net.sep.gamma = 0;
    m->net.sep.k = 3;
    m->net.sep.transition = 0.2;
  }
  m->net.post = f.net.post;
  m->net.dim = D;
  m->net.count = N;
  m->net.keys = m->keys;
  m->net.sim = sim;
  m->net.beta = 0.6;
  normals(&rng, m->keys, N * D, 0.8);
  normals(&rng, m->values, N * D, 0.8);
  normals(&rng, m->readout, N * V, 1);
  normals(&rng, m->bias, B * N, 0.3);
  normals(&rng, m->queries, B * D, 0.8);
  normals(&rng, m->dout, B * D, 1);
  normals(&rng, m->matrix, D * D, 0.25);
  normals(&rng, m->delta, D, 0.2);
  for (i = 0; i < D; i++) m->self[i] = (hfy_real)(0.2 * hfy_rng_uniform(&rng));
  for (i = 0; i < D; i++) m->gain[i] = (hfy_real)(0.5 + hfy_rng_uniform(&rng));
  for (i = 0; i < N; i++) m->upper[i] = 0.05 + 0.1 * hfy_rng_uniform(&rng);
  for (i = 0; i < N; i++) m->lower[i] = 0.001 * hfy_rng_uniform(&rng);
  for (i = 0; i < B; i++) m->visible[i] = 1 + (size_t)(hfy_rng_u64(&rng) % N);
  if (m->net.sep.upper) m->net.sep.upper = m->upper;
  if (m->net.sep.upper) m->net.sep.lower = m->lower;
  if (m->net.sep.kind == HFY_SEP_ENTMAX && options & 512) m->net.sep.alpha = 1.5;
  if (m->net.post.gain) m->net.post.gain = m->gain;
  if (m->net.post.delta) m->net.post.delta = m->delta;
  if (m->net.post.matrix) m->net.post.matrix = m->matrix;
  if (options & 1) m->net.values = m->values;
  if (options & 2) {
    m->net.readout = m->readout;
    m->net.readout_dim = V;
  }
  if (options & 4) m->net.self_coupling = m->self;
  if (options & 8) m->net.bias = m->bias;
  if (options & 16) {
    m->net.bias = m->bias;
    m->net.bias_stride = N;
  }
  if (options & 32) m->net.visible = m->visible;
  if (options & 64) m->net.step = 0.6;
  if (options & 1024 && !m->net.sep.upper && !m->net.sep.lower && sep != SEPS && !sep_is_unbounded(sep))
    m->net.null_pattern = 1, m->net.null_score = -0.5;
  if (options & 128) m->net.tol = 0.3;
}

/* queries from .. to-1 as a call of their own, added to g */
static hfy_status reverse(const memory *m, size_t from, size_t to, hfy_grad grad) {
  const size_t width = m->net.readout ? V : D;
  hfy_net net = m->net;
  if (net.bias) net.bias += from * net.bias_stride;
  if (net.visible) net.visible += from;
  if (grad.queries) grad.queries += from * D;
  if (grad.bias) grad.bias += from * net.bias_stride;
  return hfy_retrieve_vjp(&net, m->queries + from * D, to - from, m->dout + from * width, &grad, NULL);
}

/* |a - b| relative to size, or most if that is larger; NaN stays infinite */
static double larger(double a, double b, double size, double most) {
  const double off = fabs(a - b) / size;
  return off <= most ? most : off > most ? off : HUGE_VAL;
}

/* the largest |a - b| of all gradients, relative to the largest of them */
static double apart(const slopes *a, const slopes *b) {
  const size_t reals = offsetof(slopes, upper) / sizeof(hfy_real);
  const hfy_real *x = a->queries, *y = b->queries;
  double most = 0, size = 1;
  size_t i;
  for (i = 0; i < reals; i++) size = fabs((double)y[i]) > size ? fabs((double)y[i]) : size;
  for (i = 0; i < reals; i++) most = larger((double)x[i], (double)y[i], size, most);
  for (i = 0; i < N; i++) {
    most = larger(a->upper[i], b->upper[i], size + fabs(b->upper[i]), most);
    most = larger(a->lower[i], b->lower[i], size + fabs(b->lower[i]), most);
  }
  for (i = 0; i < 11; i++) most = larger(a->number[i], b->number[i], size + fabs(b->number[i]), most);
  return most;
}

/* --- a tile is the sum of its queries --- */

TEST(many_are_the_sum_of_single_ones) {
  static memory m;
  static slopes all, sum;
  hfy_grad grad;
  int s, p, sim, steps;
  size_t j;
  for (s = 0; s <= SEPS; s++)
    for (p = 0; p < POSTS; p++)
      for (sim = 0; sim < 4; sim++) {
        unsigned options = (unsigned)(s * 37 + p * 11 + sim * 101) % 2048u;
        if ((s + p + sim) % (FEWER > 1 ? 12 : 6) != (IS_DOUBLE ? 0 : 3)) continue;
        steps = 1 + (s + 2 * p + sim) % 4;
        if (steps > 1 && sep_is_unbounded(s) && !post_is_bounded(p)) steps = 1;
        build(&m, (uint64_t)(100 * s + p), s, p, (hfy_sim)sim, options);
        if (s == 2 || s == 11 || s == 12) m.net.visible = NULL; /* too few for their sums */
        if (s == 17 || s == SEPS) m.net.visible = NULL;
        m.net.max_steps = (size_t)steps;
        ask(&m.net, &sum, &grad);
        for (j = 0; j < FEW; j++) CHECK(!reverse(&m, j, j + 1, grad));
        ask(&m.net, &all, &grad);
        CHECK(!reverse(&m, 0, FEW, grad));
        CHECK(apart(&all, &sum) <= (IS_DOUBLE ? 2e-14 : 1e-5));
        CHECK(same_bits(all.queries, sum.queries, sizeof all.queries)); /* a query's own depend on no other */
        if (!(apart(&all, &sum) <= (IS_DOUBLE ? 2e-14 : 1e-5)))
          printf("      sep %d post %d sim %d options %u steps %d: %g\n", s, p, sim, options, steps, apart(&all, &sum));
      }
}

/* --- differences of hfy_retrieve itself --- */

static double objective(const memory *m) {
  static hfy_real out[B * D];
  const size_t width = m->net.readout ? V : D;
  double sum = 0;
  size_t i;
  CHECK(!hfy_retrieve(&m->net, m->queries, B, out, NULL, NULL));
  for (i = 0; i < B * width; i++) sum += (double)out[i] * (double)m->dout[i];
  return sum;
}

TEST(differences) {
  static const int seps[] = {0, 3, 4, 5, 13, 14, 15, 16};
  static const unsigned read[] = {8 | 2, 8 | 2 | 4, 8 | 2 | 64, 8 | 2 | 32}; /* a readout and no post */
  enum { MANY = 3 * COUNT(seps), ALL = MANY + 8 };
  static memory m, moved;
  static slopes g;
  static hfy_real way[B * N];
  hfy_grad grad;
  hfy_rng rng = hfy_rng_seed(3);
  size_t s, i;
  int part, k;
  for (s = 0; s < ALL && IS_DOUBLE; s++) {
    const int sep = s < MANY ? seps[s % COUNT(seps)] : 0;
    if (s < MANY)
      build(&m, 900 + s, sep, sep_is_unbounded(sep) || s % 2 ? 1 : 9, (hfy_sim)(s / COUNT(seps)),
            (unsigned)(s % 4 ? 1 | 4 | 16 | 64 : 1 | 2 | 8));
    else
      build(&m, 900 + s, sep, 0, s < MANY + 4 ? HFY_SIM_DOT : (hfy_sim)(s - MANY - 4), read[s % 4] | 1);
    m.net.max_steps = s < MANY ? 1 + s % 3 : 3;
    if (sep == 13) continue; /* sparsemax has kinks */
    ask(&m.net, &g, &grad);
    CHECK(!reverse(&m, 0, B, grad));
    for (part = 0; part < 7; part++) {
      hfy_real *where[7], *slope[7];
      size_t n = part < 1 ? B * D : part < 3 ? N * D : part < 4 ? N * V : part < 5 ? N : D;
      double value[2], along = 0, size = 0, h = 2e-6;
      if (part == 4 && m.net.bias_stride) n = B * N;
      if ((part == 3 && !m.net.readout) || (part == 5 && !m.net.self_coupling)) continue;
      slope[0] = g.queries, slope[1] = g.keys, slope[2] = g.values, slope[3] = g.readout;
      slope[4] = g.bias, slope[5] = g.self, slope[6] = NULL;
      normals(&rng, way, B * N, 1);
      for (k = 0; k < 2; k++) {
        moved = m;
        moved.net.keys = moved.keys, moved.net.values = moved.values, moved.net.bias = moved.bias;
        if (m.net.readout) moved.net.readout = moved.readout;
        if (m.net.self_coupling) moved.net.self_coupling = moved.self;
        where[0] = moved.queries, where[1] = moved.keys, where[2] = moved.values, where[3] = moved.readout;
        where[4] = moved.bias, where[5] = moved.self;
        if (part < 6)
          for (i = 0; i < n; i++) where[part][i] += (hfy_real)((k ? h : -h) * (double)way[i]);
        else
          moved.net.beta += k ? h : -h;
        value[k] = objective(&moved);
      }
      for (i = 0; part < 6 && i < n; i++) along += (double)way[i] * (double)slope[part][i];
      for (i = 0; part < 6 && i < n; i++) size += fabs((double)way[i] * (double)slope[part][i]);
      if (part == 6) along = size = g.number[0];
      CHECK_NEAR((value[1] - value[0]) / (2 * h) / (1 + fabs(size)), along / (1 + fabs(size)), 2e-6);
    }
  }
}

/* --- tasks --- */

TEST(tasks_change_no_bit) {
  static memory m;
  static slopes one, many;
  static const int counts[] = {2, 3, 8};
  hfy_grad grad;
  size_t c, before;
  int s;
  for (s = 0; s <= SEPS; s++) {
    build(&m, (uint64_t)(7000 + s), s, s % 2 ? 5 : 1, (hfy_sim)(s % 4), s % 3 ? 1u | 4u | 8u | 128u : 2u | 16u);
    m.net.max_steps = 1 + (size_t)s % 4;
    ask(&m.net, &one, &grad);
    task_count = 1;
    last_tasks = 0;
    CHECK(!reverse(&m, 0, B, grad));
    before = last_tasks;
    for (c = 0; c < COUNT(counts); c++) {
      task_count = counts[c];
      ask(&m.net, &many, &grad);
      CHECK(!reverse(&m, 0, B, grad));
      CHECK(same_bits(&one, &many, sizeof one));
      CHECK(before <= 1 && last_tasks > 1); /* they were shared out */
      task_count = 1;
    }
  }
}

/* more queries and rows than a tile or a task holds; paths that leave room for few queries */
TEST(tasks_of_a_larger_net) {
  enum { n = 5000, d = 4, b = 150 };
  hfy_real *keys = (hfy_real *)malloc(n * d * sizeof *keys), *q = (hfy_real *)malloc(b * d * sizeof *q);
  hfy_real *g = (hfy_real *)malloc(4 * n * d * sizeof *g), *out = (hfy_real *)malloc(b * d * sizeof *out);
  hfy_rng rng = hfy_rng_seed(5);
  hfy_net net;
  hfy_grad grad;
  int round, s;
  size_t i;
  memset(&net, 0, sizeof net);
  normals(&rng, keys, n * d, 1);
  normals(&rng, q, b * d, 1);
  normals(&rng, out, b * d, 1);
  net.dim = d, net.count = n, net.keys = keys, net.beta = 1;
  for (s = 0; s < 3; s++) {
    net.sep.kind = s ? HFY_SEP_SPARSEMAX : HFY_SEP_SOFTMAX;
    net.max_steps = s == 2 ? 200000 : 2; /* its states alone fill a tile; it stops long before */
    net.tol = 0.5;
    memset(g, 0, 4 * n * d * sizeof *g);
    for (round = 0; round < 4; round++) {
      memset(&grad, 0, sizeof grad);
      task_count = round < 3 ? 1 + 3 * round : 1;
      grad.keys = g + (size_t)round * n * d;
      for (i = 0; i < b; i += round < 3 ? b : 50)
        CHECK(!hfy_retrieve_vjp(&net, q + i * d, round < 3 ? b : 50, out + i * d, &grad, NULL));
    }
    task_count = 1;
    CHECK(same_bits(g, g + n * d, n * d * sizeof *g) && same_bits(g, g + 2 * n * d, n * d * sizeof *g));
    for (i = 0; i < n * d; i++) CHECK_NEAR(g[i], g[3 * n * d + i], IS_DOUBLE ? 1e-13 : 1e-4);
  }
  free(keys), free(q), free(g), free(out);
}

/* --- implicit --- */

TEST(implicit_is_unrolled) {
  static memory m;
  static slopes unrolled, solved;
  double residual[8];
  hfy_grad grad;
  int s, p, k, compared = 0;
  for (k = 0; k < 60; k++) {
    s = k % 14, p = (k * 5) % POSTS;
    if (p == 2 || p == 10 || s == 2) continue; /* sign has no slope; a box may sit on its kinks */
    if (!IS_DOUBLE && k % 3) continue; /* float is held to 5 % only */
    build(&m, (uint64_t)(300 + k), s, k % 4 ? p : 0, (hfy_sim)(k % 3 ? 0 : k % 4), (unsigned)(k * 29) & ~(128u | 32u));
    if (k % 4 == 0) m.net.values = NULL; /* conjugate gradients */
    m.net.beta = 0.1;
    m.net.max_steps = 1000;
    if (!IS_DOUBLE) m.net.tol = 1e-6;
    ask(&m.net, &unrolled, &grad);
    if (reverse(&m, 0, 8, grad)) continue;
    ask(&m.net, &solved, &grad);
    grad.implicit = 1;
    grad.residual = residual;
    for (size_t i = 0; i < 8; i++) residual[i] = 7;
    if (reverse(&m, 0, 8, grad)) continue; /* more than one step per e-fold, or none at all */
    compared++;
    for (size_t i = 0; i < 8; i++) CHECK(residual[i] >= 0 && residual[i] <= (IS_DOUBLE ? 1e-11 : 1e-4));
    CHECK(all_are(solved.queries, B * D, 0));
    for (size_t i = 0; i < B * D; i++) CHECK_NEAR(unrolled.queries[i], 0, IS_DOUBLE ? 1e-10 : 5e-2);
    memset(unrolled.queries, 0, sizeof unrolled.queries);
    CHECK(apart(&solved, &unrolled) <= (IS_DOUBLE ? 1e-10 : 5e-2));
    if (!(apart(&solved, &unrolled) <= (IS_DOUBLE ? 1e-10 : 5e-2)))
      printf("      sep %d post %d k %d: %g\n", s, p, k, apart(&solved, &unrolled));
  }
  CHECK(compared >= (IS_DOUBLE ? 30 : 10));
  if (compared < (IS_DOUBLE ? 30 : 10)) printf("      %d compared\n", compared);
}

TEST(implicit_takes_the_same_memory_for_any_steps) {
  static memory m;
  static slopes g;
  hfy_work few, many;
  hfy_grad grad;
  memset(&few, 0, sizeof few);
  memset(&many, 0, sizeof many);
  build(&m, 11, 0, 1, HFY_SIM_DOT, 1);
  m.net.beta = 0.1;
  m.net.tol = 1e-5;
  ask(&m.net, &g, &grad);
  grad.implicit = 1;
  m.net.max_steps = 40;
  CHECK(!hfy_retrieve_vjp(&m.net, m.queries, B, m.dout, &grad, &few));
  m.net.max_steps = 4000000;
  CHECK(!hfy_retrieve_vjp(&m.net, m.queries, B, m.dout, &grad, &many));
  CHECK(few.peak == many.peak);
  hfy_work_free(&few);
  hfy_work_free(&many);
}

/* --- failures --- */

TEST(failures_leave_their_share_out) {
  static memory m;
  static slopes g, good;
  hfy_grad grad;
  hfy_work work;
  size_t i;
  int k;
  memset(&work, 0, sizeof work);
  for (k = 0; k < 6; k++) { /* one step, three, implicit; with a readout */
    build(&m, 40, 0, 1, HFY_SIM_DOT, k % 2 ? 1u | 2u | 4u : 1u | 4u);
    m.net.beta = 0.1;
    m.net.max_steps = k < 2 ? 1 : k < 4 ? 3 : 500;
    if (!IS_DOUBLE) m.net.tol = 1e-6;
    for (i = 0; i < 4; i++) { /* NaN in a query; in dout; infinity in dout; in scores */
      const size_t bad = i % 3 ? 20 : 3, width = k % 2 ? V : D;
      build(&m, 40, 0, 1, HFY_SIM_DOT, k % 2 ? 1u | 2u | 4u : 1u | 4u);
      m.net.beta = 0.1;
      m.net.max_steps = k < 2 ? 1 : k < 4 ? 3 : 500;
      if (!IS_DOUBLE) m.net.tol = 1e-6;
      ask(&m.net, &good, &grad);
      grad.implicit = k >= 4;
      CHECK(!reverse(&m, 0, bad, grad));
      CHECK(!reverse(&m, bad + 1, B, grad));
      if (i == 0) m.queries[bad * D + 2] = not_a_number();
      if (i == 1) m.dout[bad * width + 1] = not_a_number();
      if (i == 2) m.dout[bad * width + 1] = (hfy_real)-HUGE_VAL;
      if (i == 3) m.queries[bad * D] = (hfy_real)REAL_MAX;
      ask(&m.net, &g, &grad);
      grad.implicit = k >= 4;
      CHECK_FAILS(hfy_retrieve_vjp(&m.net, m.queries, B, m.dout, &grad, &work), HFY_ERR_NONFINITE, &work,
                  i % 3 ? "query 20: dout should be finite" : "query 3");
      CHECK(apart(&g, &good) <= (IS_DOUBLE ? 1e-14 : 1e-5));
    }
  }
  build(&m, 41, 0, 0, HFY_SIM_DOT, 1); /* values that blow up */
  m.values[7] = (hfy_real)HUGE_VAL;
  ask(&m.net, &g, &grad);
  CHECK_FAILS(hfy_retrieve_vjp(&m.net, m.queries, B, m.dout, &grad, &work), HFY_ERR_NONFINITE, &work, "query 0");
  CHECK(all_are(g.keys, N * D, 0) && all_are(g.values, N * D, 0) && !(fabs(g.number[0]) > 0));
  hfy_work_free(&work);
}

TEST(implicit_refuses_what_does_not_stand_still) {
  static memory m;
  static slopes g;
  hfy_grad grad;
  hfy_work work;
  double residual[B];
  size_t i;
  memset(&work, 0, sizeof work);
  build(&m, 50, 0, 0, HFY_SIM_DOT, 0);
  m.net.beta = 0.6;
  m.net.max_steps = 2;
  ask(&m.net, &g, &grad);
  grad.implicit = 1;
  CHECK_FAILS(hfy_retrieve_vjp(&m.net, m.queries, B, m.dout, &grad, &work), HFY_ERR_CONVERGENCE, &work, "net->tol");
  CHECK(all_are(g.keys, N * D, 0) && !(fabs(g.number[0]) > 0));
  /* the origin is a fixed point of odd maps, and unstable from a gain of 1 on */
  for (i = 0; i < N * D; i++) m.keys[i] = 0;
  for (i = 0; i < D; i++) m.keys[i * D + i] = 2;
  memset(m.queries, 0, sizeof m.queries);
  m.net.sep.kind = HFY_SEP_IDENTITY;
  m.net.max_steps = 5;
  for (i = 0; i < 2; i++) {
    if (i) m.net.post.kind = HFY_POST_TANH; /* not symmetric: the other iteration */
    ask(&m.net, &g, &grad);
    grad.implicit = 1;
    grad.residual = residual;
    CHECK_FAILS(hfy_retrieve_vjp(&m.net, m.queries, B, m.dout, &grad, &work), HFY_ERR_CONVERGENCE, &work, "residual");
    CHECK(residual[0] > 0.5 && all_are(g.keys, N * D, 0) && all_are(g.queries, B * D, 0));
  }
  hfy_work_free(&work);
}

/* A query whose state or gradient leaves hfy_real adds nothing: the sums are those of the others. */
TEST(beyond_the_range) {
  const hfy_real keys[6] = {1, 2, -1, 1, 0.5f, -2}, queries[4] = {1, -1, 0.5f, 2};
  const hfy_real small[6] = {1e-20f, 2e-20f, -1e-20f, 1e-20f, 0, -2e-20f};
  hfy_real dout[4] = {0, 0, 1, 2}, matrix[4] = {1, 0, 0, 1}, got[16], want[16];
  const char *words;
  hfy_net net;
  hfy_grad grad;
  hfy_work work;
  double beta[2], scores[2];
  size_t way, i;
  memset(&work, 0, sizeof work), memset(&net, 0, sizeof net), memset(&grad, 0, sizeof grad);
  net.dim = 2, net.count = 3, net.keys = keys, net.beta = 1;
  for (way = 0; way < 7; way++) {
    const int huge = way > 1 && way < 6;
    hfy_real start[4];
    memcpy(start, queries, sizeof start);
    net.post.kind = HFY_POST_LINEAR, net.post.matrix = matrix, net.self_coupling = way == 1 ? keys : NULL;
    net.sim = way == 3 ? HFY_SIM_EUCLIDEAN : HFY_SIM_DOT, net.null_pattern = way == 4, net.null_score = 0.5;
    words = way > 1 ? "its gradient should be within the range of hfy_real" : "query 0";
    if (way == 5) net.sep.kind = HFY_SEP_ARGMAX, matrix[1] = 4; /* dz alone is beyond */
    if (way == 6) net.sep.kind = HFY_SEP_SOFTMAX, net.beta = REAL_MAX / 3, net.keys = small; /* beta q alone */
    dout[0] = dout[1] = (hfy_real)(huge ? REAL_MAX / 2 : 1);
    for (i = 0; way < 2 && i < 4; i++) start[i] = i < 2 ? (hfy_real)HUGE_VAL : queries[i]; /* no answer at all */
    if (way == 6) start[0] = 4;
    for (i = 0; i < 16; i++) got[i] = want[i] = 1;
    beta[0] = beta[1] = scores[0] = scores[1] = 1;
    grad.queries = want + 2, grad.keys = want + 4, grad.self_coupling = net.self_coupling ? want + 14 : NULL;
    grad.beta = beta, grad.null_score = net.null_pattern ? scores : NULL, grad.post.matrix = want + 10;
    CHECK(hfy_retrieve_vjp(&net, queries + 2, 1, dout + 2, &grad, &work) == HFY_OK);
    grad.queries = got, grad.keys = got + 4, grad.self_coupling = net.self_coupling ? got + 14 : NULL;
    grad.beta = beta + 1, grad.null_score = net.null_pattern ? scores + 1 : NULL, grad.post.matrix = got + 10;
    CHECK_FAILS(hfy_retrieve_vjp(&net, start, 2, dout, &grad, &work), HFY_ERR_NONFINITE, &work, words);
    CHECK(same_bits(got + 2, want + 2, 14 * sizeof *got) && (double)got[0] >= 1 && (double)got[0] <= 1);
    CHECK(same_bits(beta, beta + 1, sizeof *beta) && same_bits(scores, scores + 1, sizeof *scores));
  }
  /* a state that its post sends beyond: what the post's matrix makes of 0 is NaN */
  matrix[1] = (hfy_real)HUGE_VAL, net.null_pattern = 0, net.self_coupling = keys, net.beta = 1, net.keys = keys;
  for (i = 0; i < 10; i++) got[i] = 1;
  dout[0] = dout[1] = 1;
  grad.queries = got, grad.keys = got + 4, grad.self_coupling = got + 2, grad.beta = NULL, grad.null_score = NULL;
  grad.post.matrix = NULL;
  CHECK_FAILS(hfy_retrieve_vjp(&net, queries, 1, dout, &grad, &work), HFY_ERR_NONFINITE, &work, "query 0");
  for (i = 0; i < 10; i++) CHECK((double)got[i] >= 1 && (double)got[i] <= 1);
  /* through a readout: what the keys give is a number, beta times it is not */
  memset(&net, 0, sizeof net), memset(&grad, 0, sizeof grad);
  net.dim = 2, net.count = 3, net.keys = keys, net.beta = 16, net.readout = keys, net.readout_dim = 2;
  dout[0] = (hfy_real)(REAL_MAX / 8), dout[1] = 0, grad.queries = got;
  CHECK_FAILS(hfy_retrieve_vjp(&net, small, 1, dout, &grad, &work), HFY_ERR_NONFINITE, &work, "its gradient should be");
  for (i = 0; i < 10; i++) CHECK((double)got[i] >= 1 && (double)got[i] <= 1);
  hfy_work_free(&work);
}

/* dout times values beyond hfy_real: slopes infinity less infinity, which a projection takes for 0. */
TEST(slopes_without_a_number) {
  static const hfy_isa isas[] = {HFY_ISA_BEST, HFY_ISA_SCALAR, HFY_ISA_SSE2, HFY_ISA_AVX2};
  static const hfy_sep_kind kinds[] = {HFY_SEP_SOFTMAX, HFY_SEP_SPARSEMAX, HFY_SEP_ENTMAX, HFY_SEP_NORMMAX, HFY_SEP_EXP};
  const hfy_real big = (hfy_real)sqrt(REAL_MAX), keys[4] = {1, 0.5f, -1, 0.25f}, queries[4] = {0.3f, 0.1f, 0.2f, -0.3f};
  const hfy_real values[4] = {2 * big, 0, -2 * big, 0}, dout[4] = {big, 0, 1, 1};
  size_t a, k, way, i;
  for (a = 0; a < sizeof isas / sizeof *isas; a++)
    for (k = 0; k < sizeof kinds / sizeof *kinds; k++)
      for (way = 0; way < 6; way++) { /* readout; keys' gradient; as a layer asks */
        hfy_real want[8] = {0}, got[8] = {0}, lost[2] = {0, 0};
        hfy_net_more_ more;
        hfy_grad grad;
        hfy_net net;
        hfy_work work, local;
        memset(&net, 0, sizeof net), memset(&grad, 0, sizeof grad);
        memset(&more, 0, sizeof more), memset(&work, 0, sizeof work);
        work.isa = isas[a];
        net.dim = net.count = 2, net.keys = keys, net.beta = 1, net.sep.kind = kinds[k];
        if (way & 1) net.readout = values, net.readout_dim = 2;
        if (!(way & 1)) net.values = values;
        more.lost = lost, more.rows = 2;
        grad.queries = want + 2, grad.keys = way > 1 ? want + 4 : NULL;
        if (hfy_retrieve_vjp(&net, queries + 2, 1, dout + 2, &grad, &work) == HFY_ERR_UNSUPPORTED) continue;
        grad.queries = got, grad.keys = way > 1 ? got + 4 : NULL;
        if (way < 4)
          CHECK_FAILS(hfy_retrieve_vjp(&net, queries, 2, dout, &grad, &work), HFY_ERR_NONFINITE, &work, "query 0");
        else
          CHECK(hfy_net_vjp_(&net, queries, 2, dout, &grad, &more, NULL, hfy_base_open_(&work, &local)) ==
                HFY_ERR_NONFINITE);
        for (i = 0; i < 8; i++) CHECK_NEAR((double)got[i], (double)want[i], 16 * REAL_EPS * fabs((double)want[i]));
        hfy_work_free(&work);
      }
}

/* --- dropout of the readout's weights --- */

TEST(dropout) {
  static memory m;
  static slopes g, parts;
  static hfy_real out[B * V], some[B * V], weights[B * N];
  hfy_net_drop_ drop = {77, 0.4, 2, 1};
  hfy_net_more_ more;
  hfy_report report;
  hfy_grad grad;
  hfy_work work;
  size_t i, j, d, k, kept = 0;
  memset(&work, 0, sizeof work);
  memset(&report, 0, sizeof report);
  memset(&more, 0, sizeof more);
  more.drop = &drop;
  report.weights = weights;
  for (k = 0; k < 4; k++) {
    static hfy_real dv[B * N];
    double up, down;
    build(&m, 60 + k, k % 2 ? 1 : 0, 1, HFY_SIM_DOT, 1 | 2);
    m.net.max_steps = 1 + k / 2;
    CHECK(!hfy_retrieve(&m.net, m.queries, B, out, &report, NULL));
    for (j = 0, kept = 0; j < B; j++) {
      const uint64_t dice = hfy_net_drop_dice_(&drop, j);
      for (d = 0; d < V; d++) {
        double sum = 0;
        for (i = 0; i < N; i++)
          sum += (double)(weights[j * N + i] * hfy_net_drop_factor_(&drop, dice, i)) * (double)m.readout[i * V + d];
        some[j * V + d] = (hfy_real)sum;
      }
      for (i = 0; i < N; i++) kept += hfy_net_drop_factor_(&drop, dice, i) > 0;
    }
    CHECK(fabs((double)kept / (B * N) - 0.6) < 0.04);
    CHECK(!hfy_net_retrieve_(&m.net, m.queries, B, out, NULL, &more, NULL, &work));
    for (i = 0; i < B * V; i++) CHECK_NEAR(out[i], some[i], 20 * REAL_EPS);
    CHECK(!hfy_net_retrieve_(&m.net, m.queries, 10, some, NULL, &more, NULL, &work)); /* the same, whoever makes them */
    CHECK(same_bits(out, some, 10 * V * sizeof *out));
    task_count = 3;
    CHECK(!hfy_net_retrieve_(&m.net, m.queries, B, some, NULL, &more, NULL, &work));
    CHECK(same_bits(out, some, sizeof out));
    ask(&m.net, &parts, &grad);
    CHECK(!hfy_net_vjp_(&m.net, m.queries, B, m.dout, &grad, &more, NULL, &work));
    task_count = 1;
    ask(&m.net, &g, &grad);
    CHECK(!hfy_net_vjp_(&m.net, m.queries, B, m.dout, &grad, &more, NULL, &work));
    CHECK(apart(&g, &parts) <= 0);
    for (d = 0; d < 3 && IS_DOUBLE && k % 2 == 0; d++) { /* queries, keys, readout */
      hfy_real *where = d == 0 ? m.queries : d == 1 ? m.keys : m.readout;
      const hfy_real *slope = d == 0 ? g.queries : d == 1 ? g.keys : g.readout;
      const size_t n = d == 0 ? B * D : d == 1 ? N * D : N * V;
      hfy_rng rng = hfy_rng_seed(d);
      double along = 0, value[2];
      normals(&rng, dv, n, 1);
      for (j = 0; j < 2; j++) {
        for (i = 0; i < n; i++) where[i] += (hfy_real)((j ? 2e-5 : -1e-5) * (double)dv[i]);
        CHECK(!hfy_net_retrieve_(&m.net, m.queries, B, out, NULL, &more, NULL, &work));
        for (i = 0, value[j] = 0; i < B * V; i++) value[j] += (double)out[i] * (double)m.dout[i];
      }
      for (i = 0; i < n; i++) where[i] -= (hfy_real)(1e-5 * (double)dv[i]);
      for (i = 0; i < n; i++) along += (double)slope[i] * (double)dv[i];
      up = value[1], down = value[0];
      CHECK_NEAR((up - down) / 2e-5, along, 1e-6 * (1 + fabs(along)));
    }
  }
  drop.rate = 0;
  CHECK(!hfy_net_retrieve_(&m.net, m.queries, B, out, NULL, &more, NULL, &work));
  CHECK(!hfy_retrieve(&m.net, m.queries, B, some, NULL, &work));
  CHECK(same_bits(out, some, sizeof out));
  hfy_work_free(&work);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(many_are_the_sum_of_single_ones);
  RUN(differences);
  RUN(tasks_change_no_bit);
  RUN(tasks_of_a_larger_net);
  RUN(implicit_is_unrolled);
  RUN(implicit_takes_the_same_memory_for_any_steps);
  RUN(failures_leave_their_share_out);
  RUN(implicit_refuses_what_does_not_stand_still);
  RUN(beyond_the_range);
  RUN(slopes_without_a_number);
  RUN(dropout);
  return CHECK_END();
}
