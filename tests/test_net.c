/* test_net.c: the whole walk: reference trajectories, every option of a net against the long double net of oracle.h,
   masks, steps. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "targets.h"
#include "nets.h"

/* --- reference rows --- */

/* X and q0 of rows T057 to T076 */
static void reference(fixture *f, double *x, double *q0) {
  hfy_rng rng = hfy_rng_seed(1);
  size_t i;
  memset(f, 0, sizeof *f);
  for (i = 0; i < 15; i++) f->keys[i] = (hfy_real)(x[i] = hfy_rng_normal(&rng));
  for (i = 0; i < 3; i++) f->queries[i] = (hfy_real)(q0[i] = hfy_rng_normal(&rng));
  f->net.dim = 3;
  f->net.count = 5;
  f->net.keys = f->keys;
  f->net.beta = 1.3;
  f->B = 1;
}

TEST(row_patterns) {
  fixture f;
  double x[15], q0[3];
  size_t i;
  reference(&f, x, q0);
  for (i = 0; i < 15; i++) CHECK_NEAR(x[i], t057_x[i], 1e-14);
  for (i = 0; i < 3; i++) CHECK_NEAR(q0[i], t057_q0[i], 1e-14);
}

/* E_0 .. E_6 with the Eq-20 constant, and q_6 */
static void trajectory(hfy_sep sep, hfy_post post, double beta, const double *E, const double *q6) {
  fixture f;
  double x[15], q0[3], energy[7], constant, tol = sizeof(hfy_real) == 8 ? 1e-9 : 4e-6;
  hfy_report report;
  size_t i, steps;
  memset(&report, 0, sizeof report);
  reference(&f, x, q0);
  f.net.sep = sep;
  f.net.post = post;
  f.net.beta = beta;
  f.net.max_steps = 6;
  if (post.kind == HFY_POST_TANH)
    for (i = 0; i < 3; i++)
      f.queries[i] = (hfy_real)(0.5 * q0[i] > 0.9 ? 0.9 : 0.5 * q0[i] < -0.9 ? -0.9 : 0.5 * q0[i]);
  else
    CHECK(hfy_post_apply(&post, f.queries, NULL, 1, 3, f.queries, NULL) == HFY_OK);
  report.energy = energy;
  report.steps = &steps;
  CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
  CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, NULL) == HFY_OK);
  CHECK(steps >= 2 && steps <= 6);
  for (i = 0; i < 7; i++) CHECK_NEAR(energy[i] + constant, E[i], tol);
  for (i = 0; i < 3; i++) CHECK_NEAR(f.out[i], q6[i], tol);
  for (i = 1; i < 7; i++) CHECK(energy[i] <= energy[i - 1] + (sizeof(hfy_real) == 8 ? 1e-12 : 1e-5));
}

static hfy_sep sep_of(hfy_sep_kind kind, double parameter) {
  hfy_sep sep;
  memset(&sep, 0, sizeof sep);
  sep.kind = kind;
  sep.alpha = sep.gamma = sep.degree = sep.k = parameter;
  return sep;
}

static hfy_post post_of(hfy_post_kind kind) {
  hfy_post post;
  memset(&post, 0, sizeof post);
  post.kind = kind;
  return post;
}

TEST(row_softmax) { trajectory(sep_of(HFY_SEP_SOFTMAX, 0), post_of(HFY_POST_NONE), 1.3, t058_e, t058_q6); }
TEST(row_entmax) { trajectory(sep_of(HFY_SEP_ENTMAX, 1.5), post_of(HFY_POST_NONE), 1.3, t059_e, t059_q6); }
TEST(row_sparsemax) { trajectory(sep_of(HFY_SEP_SPARSEMAX, 0), post_of(HFY_POST_NONE), 1.3, t060_e, t060_q6); }
TEST(row_normmax_2) { trajectory(sep_of(HFY_SEP_NORMMAX, 2), post_of(HFY_POST_NONE), 1.3, t061_e, t061_q6); }
TEST(row_normmax_5) { trajectory(sep_of(HFY_SEP_NORMMAX, 5), post_of(HFY_POST_NONE), 1.3, t062_e, t062_q6); }
TEST(row_ksubsets) { trajectory(sep_of(HFY_SEP_KSUBSETS, 2), post_of(HFY_POST_NONE), 1.3, t063_e, t063_q6); }
TEST(row_l2) {
  hfy_post post = post_of(HFY_POST_L2);
  post.radius = 1.5;
  trajectory(sep_of(HFY_SEP_SPARSEMAX, 0), post, 1.3, t064_e, t064_q6);
}
TEST(row_layernorm) {
  hfy_post post = post_of(HFY_POST_LAYERNORM);
  post.eps = 0.1;
  trajectory(sep_of(HFY_SEP_SOFTMAX, 0), post, 1.3, t065_e, t065_q6);
}
TEST(row_tanh_memories) {
  hfy_post post = post_of(HFY_POST_TANH);
  post.beta = 0.7;
  trajectory(sep_of(HFY_SEP_IDENTITY, 0), post, 1, t066_e, t066_q6);
  trajectory(sep_of(HFY_SEP_POWER, 3), post, 0, t067_e, t067_q6); /* beta 0: 1 for these */
  trajectory(sep_of(HFY_SEP_EXP, 0), post, 0, t068_e, t068_q6);
}

TEST(row_sum_of_energies) {
  fixture f;
  double x[15], q0[3], energy[7], tol = sizeof(hfy_real) == 8 ? 1e-9 : 4e-6;
  hfy_sep more = sep_of(HFY_SEP_SPARSEMAX, 0);
  hfy_real half[9] = {(hfy_real)0.5, 0, 0, 0, (hfy_real)0.5, 0, 0, 0, (hfy_real)0.5};
  hfy_report report;
  size_t i;
  memset(&report, 0, sizeof report);
  reference(&f, x, q0);
  f.net.sep.plus = &more;
  f.net.post = post_of(HFY_POST_LINEAR);
  f.net.post.matrix = half;
  f.net.max_steps = 6;
  report.energy = energy;
  CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
  for (i = 0; i < 6; i++) CHECK_NEAR(energy[i], t069_e[i], tol);
  for (i = 0; i < 3; i++) CHECK_NEAR(f.out[i], t069_q6[i], tol);
}

TEST(row_exp_memory_without_overflow) {
  fixture f;
  double x[15], q0[3];
  hfy_real weights[5];
  hfy_report report;
  size_t i;
  memset(&report, 0, sizeof report);
  report.weights = weights;
  reference(&f, x, q0);
  f.net.sep = sep_of(HFY_SEP_EXP, 0);
  f.net.post = post_of(HFY_POST_TANH);
  f.net.post.beta = 0.7;
  f.net.beta = 0;
  for (i = 0; i < 3; i++) f.queries[i] = (hfy_real)(0.5 * q0[i]);
  CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, NULL, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_NEAR(f.out[i], t070_small[i], REAL_TOL(16));
  for (i = 0; i < 3; i++) f.queries[i] = (hfy_real)(2000 * q0[i]);
  CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_EQ(f.out[i], t070_huge[i]);
  CHECK_EQ(weights[0], HUGE_VAL); /* e^4400 */
  CHECK_EQ(weights[2], 0);
}

/* One step with a readout is R^T p, of every kind; e^theta may be far from 1. */
TEST(a_readout_is_weights_times_rows) {
  enum { N = 9, D = 3, V = 2 };
  hfy_rng rng = hfy_rng_seed(5);
  int trial;
  for (trial = 0; trial < 200; trial++) {
    hfy_real x[N * D], r[N * V], q[D], theta[N], p[N], got[V];
    hfy_net net;
    size_t i, d;
    memset(&net, 0, sizeof net);
    normals(&rng, x, N * D, 1), normals(&rng, r, N * V, 1), normals(&rng, q, D, 3);
    net.dim = D, net.count = N, net.keys = x, net.readout = r, net.readout_dim = V;
    net.sep = sep_of((hfy_sep_kind)below(&rng, HFY_SEP_EVEN + 1), 0);
    if (net.sep.kind == HFY_SEP_SPARSEMAP) continue;
    if (net.sep.kind >= HFY_SEP_KSUBSETS) net.sep.k = 2; /* powers ignore it */
    CHECK(hfy_sim_scores(HFY_SIM_DOT, 1, x, N, D, 0, q, 1, theta, NULL) == HFY_OK);
    net.beta = 1;
    CHECK(hfy_sep_apply(&net.sep, theta, 1, N, p, NULL) == HFY_OK);
    CHECK(hfy_retrieve(&net, q, 1, got, NULL, NULL) == HFY_OK);
    for (d = 0; d < V; d++) {
      double want = 0, size = 0;
      for (i = 0; i < N; i++) want += (double)p[i] * (double)r[i * V + d], size += fabs((double)p[i] * (double)r[i * V + d]);
      if (!CHECK(fabs((double)got[d] - want) <= 16 * REAL_EPS * size)) printf("    kind %d\n", (int)net.sep.kind);
    }
  }
}

TEST(row_bounds_of_proposition_7) {
  fixture f;
  double x[15], q0[3], energy, constant, tol = sizeof(hfy_real) == 8 ? 1e-9 : 4e-6, M = 0;
  const double *want[4] = {t071_softmax, t071_e15, t071_sp, t071_nm2};
  hfy_sep list[4], soft = sep_of(HFY_SEP_SOFTMAX, 0);
  hfy_real p[5], t[5], u[5];
  size_t i, c;
  reference(&f, x, q0);
  for (i = 0; i < 5; i++) {
    double square = x[i * 3] * x[i * 3] + x[i * 3 + 1] * x[i * 3 + 1] + x[i * 3 + 2] * x[i * 3 + 2];
    if (square > M) M = square;
    t[i] = (hfy_real)F2[i];
    u[i] = (hfy_real)0.2;
  }
  CHECK(hfy_sep_apply(&soft, t, 1, 5, p, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) {
    double sum = 0;
    for (c = 0; c < 5; c++) sum += x[c * 3 + i] * (double)p[c];
    f.queries[i] = (hfy_real)sum;
  }
  list[0] = soft;
  list[1] = sep_of(HFY_SEP_ENTMAX, 1.5);
  list[2] = sep_of(HFY_SEP_SPARSEMAX, 0);
  list[3] = sep_of(HFY_SEP_NORMMAX, 2);
  for (c = 0; c < 4; c++) {
    double omega;
    f.net.sep = list[c];
    CHECK(hfy_energy(&f.net, f.queries, 1, &energy, NULL) == HFY_OK);
    CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, NULL) == HFY_OK);
    CHECK(hfy_sep_value(&list[c], u, 1, 5, &omega, NULL) == HFY_OK);
    CHECK_NEAR(energy + constant, want[c][0], tol);
    CHECK_NEAR(-omega / 1.3 + M / 2, want[c][1], tol);
  }
}

TEST(row_energy_constants) {
  fixture f;
  double x[15], q0[3], energy, constant, tol = sizeof(hfy_real) == 8 ? 1e-10 : 4e-6;
  reference(&f, x, q0);
  f.net.sep = sep_of(HFY_SEP_ENTMAX, 1.5);
  CHECK(hfy_energy(&f.net, f.queries, 1, &energy, NULL) == HFY_OK);
  CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_RAW, &constant, NULL) == HFY_OK);
  CHECK_EQ(constant, 0);
  CHECK_NEAR(energy, t072_e[0], tol);
  CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, NULL) == HFY_OK);
  CHECK_NEAR(energy + constant, t072_e[1], tol);
  CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_FY, &constant, NULL) == HFY_OK);
  CHECK_NEAR(energy + constant, t072_e[2], tol);
}

static void reverse(hfy_sep sep, hfy_post post, double beta, const double *gq, const double *gb, const double *gx) {
  static const hfy_real dout[3] = {(hfy_real)0.5, -1, (hfy_real)0.25};
  fixture f;
  double x[15], q0[3], got_b = 0, tol = sizeof(hfy_real) == 8 ? 1e-10 : 4e-6;
  hfy_real got_q[3] = {0, 0, 0}, got_x[15];
  hfy_grad grad;
  size_t i;
  memset(&grad, 0, sizeof grad);
  fill(got_x, 15, 0);
  reference(&f, x, q0);
  f.net.sep = sep;
  f.net.post = post;
  f.net.beta = beta;
  grad.queries = got_q;
  grad.keys = got_x;
  grad.beta = &got_b;
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, 1, dout, &grad, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_NEAR(got_q[i], gq[i], tol);
  for (i = 0; i < 15; i++) CHECK_NEAR(got_x[i], gx[i], tol);
  CHECK_NEAR(got_b, *gb, tol);
}

TEST(row_reverse_softmax) {
  reverse(sep_of(HFY_SEP_SOFTMAX, 0), post_of(HFY_POST_NONE), 0.6, t073_gq, t073_gbeta, t073_gx);
}
TEST(row_reverse_entmax_l2) {
  hfy_post post = post_of(HFY_POST_L2);
  post.radius = 1.5;
  reverse(sep_of(HFY_SEP_ENTMAX, 1.5), post, 0.6, t074_gq, t074_gbeta, t074_gx);
}
TEST(row_reverse_normmax_layernorm) {
  hfy_post post = post_of(HFY_POST_LAYERNORM);
  post.eps = 1e-3;
  reverse(sep_of(HFY_SEP_NORMMAX, 3), post, 0.6, t075_gq, t075_gbeta, t075_gx);
}
TEST(row_reverse_ksubsets_tanh) {
  hfy_post post = post_of(HFY_POST_TANH);
  post.beta = 0.7;
  reverse(sep_of(HFY_SEP_KSUBSETS, 2), post, 0.2, t076_gq, t076_gbeta, t076_gx);
}

TEST(row_fixed_point_without_margin) {
  hfy_real keys[6] = {1, 0, 0, 0, 0, 0}, out[2], p[3];
  hfy_net net;
  hfy_report report;
  size_t i;
  memset(&net, 0, sizeof net);
  memset(&report, 0, sizeof report);
  keys[2] = keys[4] = (hfy_real)cos(0.6);
  keys[3] = (hfy_real)sin(0.6);
  keys[5] = -keys[3];
  net.dim = 2;
  net.count = 3;
  net.keys = keys;
  net.beta = 1;
  net.sep.kind = HFY_SEP_SPARSEMAX;
  net.post.kind = HFY_POST_L2;
  report.weights = p;
  CHECK(hfy_retrieve(&net, keys, 1, out, &report, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_NEAR(p[i], t082_p[i], REAL_TOL(4));
  CHECK_NEAR(out[0], 1, REAL_TOL(1));
  CHECK_NEAR(out[1], 0, REAL_TOL(1));
}

TEST(row_forgetting_through_the_bias) {
  fixture f;
  double x[15], q0[3], energy, constant, tol = sizeof(hfy_real) == 8 ? 1e-12 : 4e-6;
  hfy_real p[5];
  hfy_report report;
  size_t i, four = 4;
  memset(&report, 0, sizeof report);
  reference(&f, x, q0);
  report.weights = p;
  for (i = 0; i < 4; i++) f.bias[i] = (hfy_real)(-0.25 * (double)(3 - i));
  f.bias[4] = 9;
  f.net.bias = f.bias;
  f.net.visible = &four; /* causal: the fifth pattern is not there yet */
  CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
  for (i = 0; i < 4; i++) CHECK_NEAR(p[i], t103_p[i], tol);
  CHECK_EQ(p[4], 0);
  for (i = 0; i < 3; i++) CHECK_NEAR(f.out[i], t103_q[i], tol);
  f.net.visible = NULL;
  f.net.count = 4;
  CHECK(hfy_energy(&f.net, f.queries, 1, &energy, NULL) == HFY_OK);
  CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, NULL) == HFY_OK);
  CHECK_NEAR(energy + constant, t103_e[0], tol);
}

TEST(row_classical_network) {
  static hfy_real b[14 * 24], q[24];
  hfy_rng rng = hfy_rng_seed(9);
  hfy_net net;
  size_t i, d;
  memset(&net, 0, sizeof net);
  for (i = 0; i < 14 * 24; i++) b[i] = (hfy_real)hfy_rng_sign(&rng);
  for (d = 0; d < 24; d++) q[d] = d < 5 ? -b[d] : b[d];
  net.dim = 24;
  net.count = 14;
  net.keys = b;
  net.max_steps = 3;
  net.sep.kind = HFY_SEP_IDENTITY;
  net.post.kind = HFY_POST_SIGN;
  CHECK(hfy_retrieve(&net, q, 1, q, NULL, NULL) == HFY_OK);
  for (i = 0; i < 14; i++) {
    double overlap = 0;
    for (d = 0; d < 24; d++) overlap += (double)q[d] * (double)b[i * 24 + d];
    CHECK_EQ(overlap, t113_ov[i]);
  }
}

/* --- against the long double net --- */

/* How much the exact answer moves when every input moves by its last bit: what rounding can do to query j. */
static double sensitivity(const oracle_memory *m, size_t j, size_t steps, const wide *out, size_t width, int *jumps) {
  static oracle_memory moved;
  static wide states[8 * MAX_D], p[MAX_N], other[MAX_D];
  hfy_rng rng = hfy_rng_seed(99);
  double most = 0;
  unsigned long here;
  size_t i, t, N = m->net.count, D = m->net.dim;
  oracle_signature = 0;
  oracle_retrieve(m, j, steps, states, p, other);
  here = oracle_signature;
  *jumps = 0;
  for (t = 0; t < 3; t++) {
    moved = *m;
    for (i = 0; i < N * D; i++) moved.keys[i] *= 1 + REAL_EPS * hfy_rng_sign(&rng);
    for (i = 0; i < N * D; i++)
      moved.values[i] = m->net.values ? m->values[i] * (1 + REAL_EPS * hfy_rng_sign(&rng)) : moved.keys[i];
    for (i = 0; i < m->n_queries * D; i++) moved.queries[i] += REAL_EPS * hfy_rng_sign(&rng);
    oracle_signature = 0;
    oracle_retrieve(&moved, j, steps, states, p, other);
    if (oracle_signature != here) *jumps = 1;
    for (i = 0; i < width; i++)
      if (fabs((double)(other[i] - out[i])) > most) most = fabs((double)(other[i] - out[i]));
  }
  return most;
}

/* Retrieves with the library and with the oracle; as many steps as the library says that it made. Returns the queries
   compared (those whose answer does not hang on a tie). */
static size_t compare(fixture *f, const char *sep, const char *post, int more) {
  static oracle_memory m;
  static wide states[8 * MAX_D], p[MAX_N], want[MAX_D];
  static hfy_real weights[MAX_B * MAX_N];
  size_t steps[MAX_B], j, i, compared = 0, width = f->net.readout ? f->net.readout_dim : f->net.dim;
  hfy_report report;
  memset(&report, 0, sizeof report);
  report.steps = steps;
  report.weights = weights;
  fill(f->out, f->B * width, 77);
  CHECK(hfy_retrieve(&f->net, f->queries, f->B, f->out, &report, NULL) == HFY_OK);
  oracle_load(&m, &f->net, f->queries, f->B);
  for (j = 0; j < f->B; j++) {
    double noise, size = 1;
    int jumps;
    CHECK(steps[j] >= 1 && steps[j] <= m.net.max_steps);
    oracle_retrieve(&m, j, steps[j], states, p, want);
    for (i = 0; i < width; i++) size = fabs((double)want[i]) > size ? fabs((double)want[i]) : size;
    noise = sensitivity(&m, j, steps[j], want, width, &jumps);
    oracle_retrieve(&m, j, steps[j], states, p, want);
    if (jumps || size > 1e6) continue;
    compared++;
    for (i = 0; i < width; i++)
      CHECK_NEAR(((double)f->out[j * width + i] - (double)want[i]) / size, 0, 16 * REAL_EPS + 16 * noise / size);
    for (i = 0; i < f->net.count; i++) {
      double w = (double)p[i], scale = fabs(w) > 1 ? fabs(w) : 1;
      CHECK_NEAR(((double)weights[j * f->net.count + i] - w) / scale, 0, 1e3 * REAL_EPS + 100 * noise);
    }
  }
  show(sep, post, more);
  return compared;
}

static void compare_all(hfy_sim sim, size_t steps) {
  fixture f;
  size_t compared = 0, total = 0;
  int s, p;
  for (s = 0; s < SEPS; s++)
    for (p = 0; p < POSTS; p++) {
      const char *sep, *post;
      if (sep_is_unbounded(s) && !post_is_bounded(p) && steps > 1) continue; /* grows without bound */
      make(&f, (uint64_t)(1000 + s * 50 + p), 6, 4, 3);
      sep = use_sep(&f, s);
      post = use_post(&f, p);
      f.net.sim = sim;
      f.net.beta = 1.1;
      f.net.max_steps = steps;
      compared += compare(&f, sep, post, (int)sim);
      total += f.B;
    }
  CHECK(compared > total * 9 / 10);
}

TEST(dot_one_step) { compare_all(HFY_SIM_DOT, 1); }
TEST(cosine_one_step) { compare_all(HFY_SIM_COSINE, 1); }
TEST(euclidean_one_step) { compare_all(HFY_SIM_EUCLIDEAN, 1); }
TEST(manhattan_one_step) { compare_all(HFY_SIM_MANHATTAN, 1); }
TEST(dot_four_steps) { compare_all(HFY_SIM_DOT, 4); }
TEST(cosine_four_steps) { compare_all(HFY_SIM_COSINE, 4); }
TEST(euclidean_four_steps) { compare_all(HFY_SIM_EUCLIDEAN, 4); }
TEST(manhattan_four_steps) { compare_all(HFY_SIM_MANHATTAN, 4); }

TEST(every_option_alone) {
  fixture f;
  unsigned bit;
  size_t compared = 0;
  int s;
  for (bit = 1; bit <= 512; bit *= 2)
    for (s = 0; s < 14; s++) {
      const char *sep;
      make(&f, 2000 + bit + (uint64_t)s, 7, 5, 4);
      sep = use_sep(&f, s);
      if (bit == 32) {
        size_t j;
        if (s == 2 || s == 11 || s == 12) continue; /* too few patterns for their sums */
        for (j = 0; j < 4; j++) f.visible[j] = 2 + j;
      }
      f.net.max_steps = 3;
      f.net.beta = 1;
      with_options(&f, bit);
      compared += compare(&f, sep, "none", (int)bit);
    }
  CHECK(compared > 490);
}

TEST(options_in_company) {
  fixture f;
  hfy_rng rng = hfy_rng_seed(77);
  size_t compared = 0;
  int trial;
  for (trial = 0; trial < 150; trial++) {
    const char *sep, *post;
    unsigned options = (unsigned)(hfy_rng_u64(&rng) >> 40) & 1023;
    int s = (int)(hfy_rng_u64(&rng) % 14), p = (int)(hfy_rng_u64(&rng) % POSTS);
    make(&f, 3000 + (uint64_t)trial, 7, 5, 3);
    sep = use_sep(&f, s);
    post = use_post(&f, p);
    if (s == 2 || s == 11 || s == 12) options &= ~32u;
    f.net.sim = (hfy_sim)(hfy_rng_u64(&rng) % 4);
    f.net.max_steps = 1 + (size_t)(hfy_rng_u64(&rng) % 4);
    with_options(&f, options);
    compared += compare(&f, sep, post, (int)options);
  }
  CHECK(compared > 400);
}

TEST(larger_nets) {
  fixture f;
  size_t compared = 0;
  int s;
  for (s = 0; s < 14; s++) {
    const char *sep;
    make(&f, 4000 + (uint64_t)s, 40, 37, 3);
    sep = use_sep(&f, s);
    f.net.max_steps = 2;
    f.net.values = f.values;
    compared += compare(&f, sep, "none", 0);
  }
  CHECK(compared >= 40);
}

/* --- masks --- */

TEST(masked_patterns_are_not_there) {
  enum { N = 6, D = 4 };
  fixture f, g;
  size_t i;
  int s;
  for (s = 0; s < 14; s++) {
    const char *sep;
    if (s == 2) continue;
    make(&f, 7100 + (uint64_t)s, N, D, 3);
    sep = use_sep(&f, s);
    f.net.max_steps = 3;
    f.net.beta = 1;
    f.net.values = f.values;
    g = f;
    g.net.keys = g.keys;
    g.net.values = g.values;
    if (g.net.sep.plus) g.net.sep.plus = &g.more;
    g.net.count = 4; /* the net without patterns 1 and 4 */
    for (i = 0; i < 4; i++) {
      static const size_t kept[] = {0, 2, 3, 5};
      memcpy(g.keys + i * D, f.keys + kept[i] * D, D * sizeof *g.keys);
      memcpy(g.values + i * D, f.values + kept[i] * D, D * sizeof *g.values);
    }
    fill(f.bias, N, 0);
    f.bias[1] = f.bias[4] = (hfy_real)-HUGE_VAL;
    fill(f.keys + D, D, (double)not_a_number()); /* whatever its key holds */
    f.keys[4 * D] = (hfy_real)HUGE_VAL;
    fill(f.values + D, D, (double)not_a_number());
    f.net.bias = f.bias;
    CHECK(hfy_retrieve(&f.net, f.queries, 3, f.out, NULL, NULL) == HFY_OK);
    CHECK(hfy_retrieve(&g.net, f.queries, 3, g.out, NULL, NULL) == HFY_OK);
    for (i = 0; i < 3 * D; i++) CHECK_NEAR(f.out[i], g.out[i], 64 * REAL_EPS);
    show(sep, "none", s);
  }
}

TEST(invisible_patterns_are_not_there) {
  enum { N = 6, D = 4 };
  fixture f;
  hfy_real alone[D];
  size_t j;
  int s;
  for (s = 0; s < 14; s++) {
    const char *sep;
    if (s == 2 || s == 11 || s == 12) continue;
    make(&f, 7200 + (uint64_t)s, N, D, 4);
    sep = use_sep(&f, s);
    f.net.max_steps = 2;
    f.net.beta = 1;
    fill(f.keys + 4 * D, D, (double)not_a_number());
    f.visible[0] = 4;
    f.visible[1] = 1;
    f.visible[2] = 2;
    f.visible[3] = 3;
    f.net.visible = f.visible;
    CHECK(hfy_retrieve(&f.net, f.queries, 4, f.out, NULL, NULL) == HFY_OK);
    for (j = 0; j < 4; j++) {
      hfy_net less = f.net;
      less.visible = NULL;
      less.count = f.visible[j];
      CHECK(hfy_retrieve(&less, f.queries + j * D, 1, alone, NULL, NULL) == HFY_OK);
      CHECK(same_bits(alone, f.out + j * D, sizeof alone));
    }
    show(sep, "none", s);
  }
}

/* A query that sees the first patterns only gets the same bits alone and beside queries that see more. */
TEST(a_masked_query_is_alone_in_its_batch) {
  static const hfy_sep_kind kinds[] = {HFY_SEP_SOFTMAX, HFY_SEP_ENTMAX,   HFY_SEP_EXP,
                                       HFY_SEP_POWER,   HFY_SEP_IDENTITY, HFY_SEP_SPARSEMAX};
  enum { N = 5000, D = 6, B = 9 };
  static hfy_real keys[N * D], q[B * D], out[B * D], alone[D];
  int round;
  for (round = 0; round < 400; round++) {
    hfy_rng rng = hfy_rng_seed((uint64_t)(2000 + round));
    size_t n = round % 8 == 7 ? N : 2 + below(&rng, 300), visible[B], j;
    hfy_net net;
    normals(&rng, keys, n * D, 1);
    normals(&rng, q, B * D, 1);
    memset(&net, 0, sizeof net);
    net.dim = D;
    net.count = n;
    net.keys = keys;
    net.beta = round % 3 ? 0.5 : 2;
    net.sep.kind = kinds[round % 6];
    net.sep.alpha = 1;
    net.max_steps = round % 5 || (round % 6 > 1 && round % 6 < 5) ? 1 : 3; /* unbounded weights explode */
    for (j = 0; j < B; j++) visible[j] = 1 + below(&rng, n);
    net.visible = visible;
    CHECK(hfy_retrieve(&net, q, B, out, NULL, NULL) == HFY_OK);
    for (j = 0; j < B; j++) {
      net.visible = visible + j;
      CHECK(hfy_retrieve(&net, q + j * D, 1, alone, NULL, NULL) == HFY_OK);
      CHECK(same_bits(alone, out + j * D, sizeof alone));
    }
  }
}

TEST(all_visible_is_no_mask) {
  fixture f;
  hfy_real plain[12];
  make(&f, 7300, 6, 4, 3);
  CHECK(hfy_retrieve(&f.net, f.queries, 3, plain, NULL, NULL) == HFY_OK);
  f.visible[0] = f.visible[1] = f.visible[2] = 6;
  f.net.visible = f.visible;
  CHECK(hfy_retrieve(&f.net, f.queries, 3, f.out, NULL, NULL) == HFY_OK);
  CHECK(same_bits(plain, f.out, sizeof plain));
  fill(f.bias, 6, 0);
  f.net.bias = f.bias;
  f.net.visible = NULL;
  CHECK(hfy_retrieve(&f.net, f.queries, 3, f.out, NULL, NULL) == HFY_OK);
  CHECK(same_bits(plain, f.out, sizeof plain));
}

TEST(everything_masked) {
  fixture f;
  hfy_status status[3] = {HFY_ERR_IO, HFY_ERR_IO, HFY_ERR_IO};
  hfy_real plain[12];
  size_t steps[3] = {55, 55, 55}, i;
  hfy_report report;
  hfy_work work;
  memset(&report, 0, sizeof report);
  memset(&work, 0, sizeof work);
  report.status = status;
  report.steps = steps;
  make(&f, 7400, 6, 4, 3);
  f.net.max_steps = 2;
  CHECK(hfy_retrieve(&f.net, f.queries, 3, plain, NULL, NULL) == HFY_OK);
  f.visible[0] = 6;
  f.visible[1] = 0;
  f.visible[2] = 6;
  f.net.visible = f.visible;
  fill(f.out, 12, 7);
  CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 3, f.out, &report, &work), HFY_ERR_ARG, &work, "query 1");
  CHECK(status[0] == HFY_OK && status[1] == HFY_ERR_ARG && status[2] == HFY_OK);
  CHECK(steps[0] == 2 && steps[1] == 55 && steps[2] == 2);
  CHECK(same_bits(f.out, plain, 4 * sizeof *plain) && all_are(f.out + 4, 4, 7));
  CHECK(same_bits(f.out + 8, plain + 8, 4 * sizeof *plain));
  f.net.visible = NULL;
  fill(f.bias, 18, 0);
  for (i = 0; i < 6; i++) f.bias[i] = (hfy_real)-HUGE_VAL;
  f.net.bias = f.bias;
  f.net.bias_stride = 6;
  fill(f.out, 12, 7);
  CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 3, f.out, &report, &work), HFY_ERR_ARG, &work, "query 0");
  CHECK(status[0] == HFY_ERR_ARG && status[1] == HFY_OK);
  CHECK(all_are(f.out, 4, 7) && same_bits(f.out + 4, plain + 4, 8 * sizeof *plain));
  hfy_work_free(&work);
}

/* --- steps --- */

TEST(max_steps_0_is_1) {
  fixture f;
  hfy_real one[8];
  size_t steps[2];
  hfy_report report;
  memset(&report, 0, sizeof report);
  report.steps = steps;
  make(&f, 7500, 6, 4, 2);
  CHECK(hfy_retrieve(&f.net, f.queries, 2, one, &report, NULL) == HFY_OK);
  CHECK(steps[0] == 1 && steps[1] == 1);
  f.net.max_steps = 1;
  CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, NULL, NULL) == HFY_OK);
  CHECK(same_bits(one, f.out, sizeof one));
}

TEST(many_steps_are_one_step_many_times) {
  fixture f;
  hfy_real q[12];
  int s, p;
  size_t t;
  for (s = 0; s < SEPS; s++)
    for (p = 0; p < POSTS; p++) {
      const char *sep, *post;
      if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
      make(&f, (uint64_t)(7600 + 20 * s + p), 6, 4, 3);
      sep = use_sep(&f, s);
      post = use_post(&f, p);
      f.net.step = p % 2 ? 0.7 : 0;
      memcpy(q, f.queries, sizeof q);
      for (t = 0; t < 5; t++) CHECK(hfy_retrieve(&f.net, q, 3, q, NULL, NULL) == HFY_OK);
      f.net.max_steps = 5;
      CHECK(hfy_retrieve(&f.net, f.queries, 3, f.out, NULL, NULL) == HFY_OK);
      CHECK(same_bits(q, f.out, sizeof q));
      show(sep, post, 0);
    }
}

TEST(a_stored_pattern_stands_still) {
  enum { N = 8, D = 16 };
  static hfy_real keys[N * D], out[N * D];
  size_t steps[N], best[N], support[N], j;
  double residual[N];
  hfy_rng rng = hfy_rng_seed(41);
  hfy_net net;
  hfy_report report;
  memset(&net, 0, sizeof net);
  memset(&report, 0, sizeof report);
  normals(&rng, keys, N * D, 1);
  net.dim = D;
  net.count = N;
  net.keys = keys;
  net.beta = 10;
  net.max_steps = 50;
  net.sep.kind = HFY_SEP_SPARSEMAX;
  report.steps = steps;
  report.residual = residual;
  report.best = best;
  report.support = support;
  CHECK(hfy_retrieve(&net, keys, N, out, &report, NULL) == HFY_OK);
  CHECK(same_bits(out, keys, sizeof out));
  for (j = 0; j < N; j++) {
    CHECK(steps[j] == 1 && best[j] == j && support[j] == 1);
    CHECK_EQ(residual[j], 0);
  }
}

/* queries that stop at different times in one batch, each as if it were alone */
TEST(every_query_stops_on_its_own) {
  enum { N = 12, D = 6, B = 8 };
  fixture f;
  size_t steps[B], alone_steps, j, least = 1000, most = 0;
  double residual[B], alone_residual;
  hfy_real one[D];
  hfy_report report, single;
  int trial;
  memset(&report, 0, sizeof report);
  memset(&single, 0, sizeof single);
  report.steps = steps;
  report.residual = residual;
  single.steps = &alone_steps;
  single.residual = &alone_residual;
  for (trial = 0; trial < 6; trial++) {
    make(&f, 7800 + (uint64_t)trial, N, D, B);
    use_sep(&f, trial % 3 == 0 ? 0 : trial % 3 == 1 ? 1 : 6);
    f.net.max_steps = 60;
    f.net.beta = 2;
    f.net.tol = trial < 3 ? 1e-4 : 0;
    memcpy(f.queries, f.keys, D * sizeof *f.queries);
    CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &report, NULL) == HFY_OK);
    for (j = 0; j < B; j++) {
      if (steps[j] < least) least = steps[j];
      if (steps[j] > most) most = steps[j];
      CHECK(hfy_retrieve(&f.net, f.queries + j * D, 1, one, &single, NULL) == HFY_OK);
      CHECK(alone_steps == steps[j]);
      CHECK_EQ(alone_residual, residual[j]);
      CHECK(same_bits(one, f.out + j * D, sizeof one));
      if (steps[j] < 60) CHECK(residual[j] <= f.net.tol);
    }
  }
  CHECK(least < most);
}

/* steps, residual and answer by making one step at a time */
TEST(tol_and_residual) {
  enum { D = 5 };
  fixture f;
  static const double tols[] = {0, 1e-6, 1e-3, 0.1, 10};
  size_t steps, t, c, j, cycle;
  double residual;
  hfy_report report;
  memset(&report, 0, sizeof report);
  report.steps = &steps;
  report.residual = &residual;
  report.cycle = &cycle;
  for (j = 0; j < 6; j++)
    for (c = 0; c < COUNT(tols); c++) {
      hfy_real q[D], next[D];
      double far = 0, leak = j % 2 ? 0.5 : 0;
      size_t i;
      make(&f, 7900 + j, 6, D, 1);
      use_sep(&f, j < 3 ? 0 : 5);
      f.net.beta = 1.5;
      f.net.tol = tols[c];
      f.net.step = leak;
      f.net.max_steps = 40;
      CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
      memcpy(q, f.queries, sizeof q);
      for (t = 1; t <= 40; t++) {
        hfy_net once = f.net;
        once.max_steps = 1;
        once.tol = 0;
        once.step = 0;
        CHECK(hfy_retrieve(&once, q, 1, next, NULL, NULL) == HFY_OK); /* f(q) */
        for (far = 0, i = 0; i < D; i++) {
          double gap = fabs((double)next[i] - (double)q[i]);
          if (gap > far) far = gap;
        }
        once.step = leak;
        CHECK(hfy_retrieve(&once, q, 1, q, NULL, NULL) == HFY_OK);
        if (far <= tols[c]) break;
      }
      if (t > 40) t = 40;
      if (cycle) { /* it goes round in its last bits: as still as it can stand */
        CHECK(steps <= t);
        CHECK_NEAR(residual, 0, 32 * REAL_EPS);
        CHECK(agree(q, f.out, D, 32));
        continue;
      }
      CHECK(steps == t);
      CHECK_NEAR(residual, far, REAL_EPS);
      CHECK(same_bits(q, f.out, sizeof q));
    }
}

/* a walk that never settles goes round in a cycle: whole turns are skipped, the answer is that of max_steps */
TEST(a_cycle_of_two) {
  static const hfy_real key[] = {1, -1}, coupling[] = {1, 1}, start[] = {1, 1, 1, -1};
  static const size_t lengths[] = {1, 2, 3, 10, 11, 1000, 1001};
  size_t steps[2], cycle[2], c;
  hfy_real out[4];
  hfy_net net;
  hfy_report report;
  memset(&net, 0, sizeof net);
  memset(&report, 0, sizeof report);
  net.dim = 2;
  net.count = 1;
  net.keys = key;
  net.self_coupling = coupling;
  net.sep.kind = HFY_SEP_IDENTITY;
  net.post.kind = HFY_POST_SIGN;
  report.steps = steps;
  report.cycle = cycle;
  for (c = 0; c < COUNT(lengths); c++) {
    net.max_steps = lengths[c];
    CHECK(hfy_retrieve(&net, start, 2, out, &report, NULL) == HFY_OK);
    CHECK_EQ(out[0], lengths[c] % 2 ? -1 : 1); /* (1, 1) and (-1, -1) in turn */
    CHECK_EQ(out[1], lengths[c] % 2 ? -1 : 1);
    CHECK_EQ(out[2], 1); /* the pattern stands still */
    CHECK_EQ(out[3], -1);
    CHECK(steps[1] == 1 && cycle[1] == 0);
    CHECK(steps[0] <= lengths[c]);
    if (lengths[c] >= 10) CHECK(cycle[0] == 2 && steps[0] < 10 && steps[0] % 2 == lengths[c] % 2);
  }
}

TEST(cycles_of_classical_nets) {
  enum { N = 5, D = 12, B = 8, T = 61 };
  static hfy_real keys[N * D], q[B * D], one[B * D], out[B * D];
  static double energy[B * (T + 1)], now[B];
  hfy_rng rng = hfy_rng_seed(31);
  size_t steps[B], cycle[B], cycles = 0, t, i, j;
  hfy_net net;
  hfy_report report;
  int trial;
  memset(&net, 0, sizeof net);
  net.dim = D;
  net.count = N;
  net.keys = keys;
  net.sep.kind = HFY_SEP_IDENTITY;
  net.post.kind = HFY_POST_SIGN;
  for (trial = 0; trial < 12; trial++) {
    memset(&report, 0, sizeof report);
    report.steps = steps;
    report.cycle = cycle;
    for (i = 0; i < N * D; i++) keys[i] = (hfy_real)hfy_rng_sign(&rng);
    for (i = 0; i < B * D; i++) q[i] = (hfy_real)hfy_rng_sign(&rng);
    for (i = 0; trial % 2 && i < N * D; i++) keys[i] = (hfy_real)(i % 2 ? 1 : -1) * keys[i] - (hfy_real)0.25;
    memcpy(one, q, sizeof one);
    net.max_steps = 1;
    for (t = 0; t < T - (trial % 3 == 2); t++) CHECK(hfy_retrieve(&net, one, B, one, NULL, NULL) == HFY_OK);
    net.max_steps = t;
    CHECK(hfy_retrieve(&net, q, B, out, &report, NULL) == HFY_OK);
    CHECK(same_bits(one, out, sizeof one));
    for (j = 0; j < B; j++) {
      cycles += cycle[j] > 1;
      CHECK(steps[j] < 40);
    }
    report.energy = energy; /* every step is made and has its energy */
    CHECK(hfy_retrieve(&net, q, B, out, &report, NULL) == HFY_OK);
    CHECK(same_bits(one, out, sizeof one));
    memcpy(one, q, sizeof one);
    net.max_steps = 1;
    for (i = 0; i <= t; i++) {
      CHECK(hfy_energy(&net, one, B, now, NULL) == HFY_OK);
      for (j = 0; j < B; j++) CHECK_NEAR(energy[j * (t + 1) + i], now[j], 1e-12);
      CHECK(hfy_retrieve(&net, one, B, one, NULL, NULL) == HFY_OK);
    }
  }
  (void)cycles;
}

TEST(cycles_of_nets_with_negative_feedback) {
  enum { N = 4, D = 6, B = 8 };
  fixture f;
  size_t steps[B], cycle[B], cycles = 0, t, j;
  hfy_real one[B * D];
  hfy_report report;
  int trial;
  for (trial = 0; trial < 12; trial++) {
    memset(&report, 0, sizeof report);
    report.steps = steps;
    report.cycle = cycle;
    make(&f, 33000 + (uint64_t)trial, N, D, B);
    use_sep(&f, trial % 2 ? 14 : 1);
    use_post(&f, 2);
    fill(f.self_coupling, D, 2);
    f.net.self_coupling = f.self_coupling;
    memcpy(one, f.queries, sizeof one);
    for (t = 0; t < 50 + (size_t)trial; t++) CHECK(hfy_retrieve(&f.net, one, B, one, NULL, NULL) == HFY_OK);
    f.net.max_steps = t;
    CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &report, NULL) == HFY_OK);
    CHECK(same_bits(one, f.out, sizeof one));
    for (j = 0; j < B; j++)
      if (cycle[j]) {
        cycles++;
        CHECK(steps[j] < t && (t - steps[j]) % cycle[j] == 0);
      }
  }
  CHECK(cycles > 20);
}

TEST(a_cycle_in_the_last_bits_ends_a_walk) {
  fixture f;
  size_t steps[6], cycle[6], j;
  double residual[6];
  hfy_report report;
  int trial;
  memset(&report, 0, sizeof report);
  report.steps = steps;
  report.cycle = cycle;
  report.residual = residual;
  for (trial = 0; trial < 40; trial++) {
    make(&f, 34000 + (uint64_t)trial, 9, 6, 6);
    use_sep(&f, trial % 4 == 0 ? 0 : trial % 4 == 1 ? 5 : trial % 4 == 2 ? 8 : 3);
    f.net.step = trial % 3 == 0 ? 0.3 : trial % 3 == 1 ? 0.5 : 1;
    f.net.max_steps = 20000;
    CHECK(hfy_retrieve(&f.net, f.queries, 6, f.out, &report, NULL) == HFY_OK);
    for (j = 0; j < 6; j++) {
      CHECK(steps[j] < 20000);
      if (!cycle[j]) CHECK_EQ(residual[j], 0);
      if (cycle[j]) CHECK(residual[j] <= 64 * REAL_EPS);
    }
  }
}

TEST(readout_is_of_the_last_weights) {
  enum { N = 7, D = 4, V = 9, B = 3 };
  fixture f;
  hfy_real weights[B * N], first[B * V];
  hfy_report report;
  size_t i, j, d, steps;
  memset(&report, 0, sizeof report);
  report.weights = weights;
  for (steps = 1; steps <= 3; steps++) {
    make(&f, 8000, N, D, B);
    use_post(&f, 3);
    f.net.readout = f.readout;
    f.net.readout_dim = V;
    f.net.max_steps = steps;
    CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &report, NULL) == HFY_OK);
    if (steps == 1) memcpy(first, f.out, sizeof first);
    for (j = 0; j < B; j++)
      for (d = 0; d < V; d++) {
        double sum = 0;
        for (i = 0; i < N; i++) sum += (double)weights[j * N + i] * (double)f.readout[i * V + d];
        CHECK_NEAR(f.out[j * V + d], sum, 8 * REAL_EPS);
      }
  }
  CHECK(!same_bits(first, f.out, sizeof first));
}

TEST(attention_by_a_plain_loop) {
  enum { L = 6, S = 8, E = 5, V = 3 };
  fixture f;
  size_t i, j, d;
  make(&f, 8100, S, E, L);
  f.net.readout = f.readout; /* softmax(q k^T / sqrt(E)) v */
  f.net.readout_dim = V;
  CHECK(hfy_retrieve(&f.net, f.queries, L, f.out, NULL, NULL) == HFY_OK);
  for (j = 0; j < L; j++) {
    double score[S], sum = 0, out[V] = {0, 0, 0};
    for (i = 0; i < S; i++) {
      for (score[i] = 0, d = 0; d < E; d++) score[i] += (double)f.queries[j * E + d] * (double)f.keys[i * E + d];
      sum += score[i] = exp(score[i] / sqrt((double)E));
    }
    for (i = 0; i < S; i++)
      for (d = 0; d < V; d++) out[d] += score[i] / sum * (double)f.readout[i * V + d];
    for (d = 0; d < V; d++) CHECK_NEAR(f.out[j * V + d], out[d], 8 * REAL_EPS);
  }
}

TEST(causal_attention) {
  enum { L = 7, E = 4 };
  fixture f;
  hfy_real by_bias[L * E];
  size_t i, j;
  make(&f, 8200, L, E, L);
  f.net.readout = f.readout;
  f.net.readout_dim = E;
  for (j = 0; j < L; j++) f.visible[j] = j + 1;
  f.net.visible = f.visible;
  CHECK(hfy_retrieve(&f.net, f.queries, L, f.out, NULL, NULL) == HFY_OK);
  f.net.visible = NULL;
  for (j = 0; j < L; j++)
    for (i = 0; i < L; i++) f.bias[j * L + i] = (hfy_real)(i <= j ? 0 : -HUGE_VAL);
  f.net.bias = f.bias;
  f.net.bias_stride = L;
  CHECK(hfy_retrieve(&f.net, f.queries, L, by_bias, NULL, NULL) == HFY_OK);
  for (i = 0; i < L * E; i++) CHECK_NEAR(by_bias[i], f.out[i], 8 * REAL_EPS);
}

TEST(classical_net_without_self_coupling) {
  enum { N = 4, D = 20 };
  static hfy_real b[N * D], c[D], q[D], out[D];
  hfy_rng rng = hfy_rng_seed(51);
  hfy_net net;
  size_t i, d, e, t;
  memset(&net, 0, sizeof net);
  for (i = 0; i < N * D; i++) b[i] = (hfy_real)hfy_rng_sign(&rng);
  fill(c, D, N); /* diag(K^T K) of +-1 patterns */
  net.dim = D;
  net.count = N;
  net.keys = b;
  net.sep.kind = HFY_SEP_IDENTITY;
  net.post.kind = HFY_POST_SIGN;
  net.self_coupling = c;
  for (t = 0; t < 20; t++) {
    for (d = 0; d < D; d++) q[d] = (hfy_real)hfy_rng_sign(&rng);
    CHECK(hfy_retrieve(&net, q, 1, out, NULL, NULL) == HFY_OK);
    for (d = 0; d < D; d++) {
      double field = 0;
      for (e = 0; e < D; e++)
        for (i = 0; i < N; i++)
          field += e == d ? 0 : (double)b[i * D + d] * (double)b[i * D + e] * (double)q[e];
      CHECK_EQ(out[d], field > 0 ? 1 : field < 0 ? -1 : (double)q[d]); /* a tie keeps the bit */
    }
  }
}

TEST(hetero_association_by_values_and_by_a_matrix) {
  enum { N = 4, D = 8 };
  fixture f;
  hfy_real turned[D];
  size_t i, d, e;
  make(&f, 8300, N, D, 1);
  use_sep(&f, 1);
  f.net.beta = 50;
  f.net.sim = HFY_SIM_EUCLIDEAN;
  f.net.values = f.values;
  for (i = 0; i < N; i++) { /* the key of i recalls the value of i */
    CHECK(hfy_retrieve(&f.net, f.keys + i * D, 1, f.out, NULL, NULL) == HFY_OK);
    CHECK(same_bits(f.out, f.values + i * D, D * sizeof *f.out));
  }
  f.net.values = NULL;
  use_post(&f, 10); /* A z */
  for (i = 0; i < N; i++) {
    CHECK(hfy_retrieve(&f.net, f.keys + i * D, 1, turned, NULL, NULL) == HFY_OK);
    for (d = 0; d < D; d++) {
      double sum = 0;
      for (e = 0; e < D; e++) sum += (double)f.matrix[d * D + e] * (double)f.keys[i * D + e];
      CHECK_NEAR(turned[d], sum, 8 * REAL_EPS);
    }
  }
}

TEST(noisy_patterns_are_recalled_under_every_similarity) {
  enum { N = 30, D = 40 };
  static hfy_real keys[N * D], q[N * D], out[N * D];
  hfy_rng rng = hfy_rng_seed(61);
  hfy_net net;
  size_t i;
  int sim;
  normals(&rng, keys, N * D, 1);
  for (i = 0; i < N * D; i++) q[i] = keys[i] + (hfy_real)(0.2 * hfy_rng_normal(&rng));
  for (sim = 0; sim < 4; sim++) {
    memset(&net, 0, sizeof net);
    net.dim = D;
    net.count = N;
    net.keys = keys;
    net.sim = (hfy_sim)sim;
    net.max_steps = 10;
    net.beta = sim == HFY_SIM_COSINE ? 20 : 2;
    net.sep.kind = HFY_SEP_SPARSEMAX;
    CHECK(hfy_retrieve(&net, q, N, out, NULL, NULL) == HFY_OK);
    CHECK(same_bits(out, keys, sizeof keys));
  }
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(row_patterns);
  RUN(row_softmax);
  RUN(row_entmax);
  RUN(row_sparsemax);
  RUN(row_normmax_2);
  RUN(row_normmax_5);
  RUN(row_ksubsets);
  RUN(row_l2);
  RUN(row_layernorm);
  RUN(row_tanh_memories);
  RUN(row_sum_of_energies);
  RUN(row_exp_memory_without_overflow);
  RUN(a_readout_is_weights_times_rows);
  RUN(row_bounds_of_proposition_7);
  RUN(row_energy_constants);
  RUN(row_reverse_softmax);
  RUN(row_reverse_entmax_l2);
  RUN(row_reverse_normmax_layernorm);
  RUN(row_reverse_ksubsets_tanh);
  RUN(row_fixed_point_without_margin);
  RUN(row_forgetting_through_the_bias);
  RUN(row_classical_network);
  RUN(dot_one_step);
  RUN(cosine_one_step);
  RUN(euclidean_one_step);
  RUN(manhattan_one_step);
  RUN(dot_four_steps);
  RUN(cosine_four_steps);
  RUN(euclidean_four_steps);
  RUN(manhattan_four_steps);
  RUN(every_option_alone);
  RUN(options_in_company);
  RUN(larger_nets);
  RUN(masked_patterns_are_not_there);
  RUN(invisible_patterns_are_not_there);
  RUN(a_masked_query_is_alone_in_its_batch);
  RUN(all_visible_is_no_mask);
  RUN(everything_masked);
  RUN(max_steps_0_is_1);
  RUN(many_steps_are_one_step_many_times);
  RUN(a_stored_pattern_stands_still);
  RUN(every_query_stops_on_its_own);
  RUN(tol_and_residual);
  RUN(a_cycle_of_two);
  RUN(cycles_of_classical_nets);
  RUN(cycles_of_nets_with_negative_feedback);
  RUN(a_cycle_in_the_last_bits_ends_a_walk);
  RUN(readout_is_of_the_last_weights);
  RUN(attention_by_a_plain_loop);
  RUN(causal_attention);
  RUN(classical_net_without_self_coupling);
  RUN(hetero_association_by_values_and_by_a_matrix);
  RUN(noisy_patterns_are_recalled_under_every_similarity);
  return CHECK_END();
}
