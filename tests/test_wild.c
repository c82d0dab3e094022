/* test_wild.c: linalg, theory, net, recall, binary, kernel and rate on whatever numbers there are: HFY_OK never comes
   with NaN (but where the manual says so), an error leaves the outputs alone, and every call ends. WILD_SEED and
   WILD_TRIALS in the environment give other draws and more of them. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"

enum { MOST = 8, ROOM = 512 };
static hfy_rng rng;
static hfy_work work;
static int mood;             /* of a trial: what numbers are like */
static size_t trial, answers;
static double flat;          /* the number of a trial with equal ones */
static double a[ROOM], b[ROOM], c[ROOM];
static hfy_real x[ROOM], y[ROOM], z[ROOM];

/* all that calls write */
static struct outputs {
  double d[4][ROOM];
  hfy_real r[3][ROOM];
  size_t n[2][ROOM];
} out, before;

static size_t pick(size_t n) { return below(&rng, n); }

static double any(void) {
  static const double few[] = {0, -0.0, 1, -1, 0.5, 2, 1e-5, -3, 1e300, -1e300, 1e-300, 1e-320, 5e-324, 1e154, 1e-154};
  const size_t how = mood == 6 ? pick(6) : pick(40) ? (size_t)mood : pick(6);
  const uint64_t bits = hfy_rng_u64(&rng);
  double raw;
  memcpy(&raw, &bits, sizeof raw);
  switch (how) {
  case 1: return few[pick(COUNT(few))];
  case 2: return hfy_rng_sign(&rng) * pow(10, 600 * hfy_rng_uniform(&rng) - 300);
  case 3: return flat;
  case 4: return raw;
  case 5: return pick(3) ? hfy_rng_normal(&rng) : pick(2) ? HUGE_VAL : HUGE_VAL - HUGE_VAL;
  case 7: return hfy_rng_sign(&rng) * pow(10, 20 * hfy_rng_uniform(&rng) - 10);
  default: return hfy_rng_normal(&rng);
  }
}
static double above(void) { return fabs(any()); }
static hfy_real real(void) {
  const double v = any();
  return fabs(v) > REAL_MAX ? (hfy_real)(v > 0 ? HUGE_VAL : -HUGE_VAL) : (hfy_real)v;
}
static void draw(double *v, int positive) {
  size_t i;
  for (i = 0; i < ROOM; i++) v[i] = positive ? above() : any();
}
static void draw_reals(hfy_real *v, int signs) {
  size_t i;
  for (i = 0; i < ROOM; i++) v[i] = signs ? (hfy_real)hfy_rng_sign(&rng) : real();
}

static int some_nan(const double *v, size_t n) {
  size_t i;
  for (i = 0; i < n && (v[i] <= 0 || v[i] > 0);) i++;
  return i < n;
}
static int some_real_nan(const hfy_real *v, size_t n) {
  size_t i;
  for (i = 0; i < n && ((double)v[i] <= 0 || (double)v[i] > 0);) i++;
  return i < n;
}

/* After each call: what it wrote has no NaN; what failed wrote nothing (hfy_kernel_information: but a singular K). */
static void judge(const char *name, hfy_status status, size_t doubles, size_t reals) {
  size_t i;
  int ok = (unsigned)status <= HFY_ERR_FORMAT && (status == HFY_OK) == !work.message[0];
  for (i = 0; i < 4 && !status; i++) ok &= !some_nan(out.d[i], doubles);
  for (i = 0; i < 4 * doubles && !status && strstr(name, "linalg"); i++) ok &= fabs(out.d[i % 4][i / 4]) <= DBL_MAX;
  for (i = 0; i < 3 && !status; i++) ok &= !some_real_nan(out.r[i], reals);
  if (status && status != HFY_ERR_SINGULAR) ok &= same_bits(&out, &before, sizeof out);
  answers += !status;
  if (!CHECK(ok)) printf("      (%s, trial %d, mood %d: %d %s)\n", name, (int)trial, mood, (int)status, work.message);
  out = before;
}
static void judge_struct(const char *name, hfy_status status, const void *numbers, size_t bytes) {
  double v[64];
  memcpy(v, numbers, bytes);
  judge(name, status, 0, 0);
  if (!status && !CHECK(!some_nan(v, bytes / sizeof *v))) {
    size_t i;
    printf("      (%s, trial %d, mood %d:", name, (int)trial, mood);
    for (i = 0; i < bytes / sizeof *v; i++) printf(" %g", v[i]);
    printf(")\n");
  }
}
#define STRUCT(name, status, object) judge_struct(name, status, &(object), sizeof(object))

static void wild_linalg(void) {
  const size_t n = 1 + pick(MOST), m = 1 + pick(MOST);
  size_t i, j, rank;
  hfy_status status = hfy_eigenvalues(a, n, out.d[0], out.d[1], &work);
  memcpy(b, out.d, sizeof out.d[0]);
  memcpy(c, out.d[1], sizeof out.d[1]);
  judge("hfy_eigenvalues", status, n, 0);
  if (!status) judge("hfy_eigenvectors", hfy_eigenvectors(a, n, b, c, n, out.d[0], out.d[1], out.d[2], &work), n, 0);
  judge("hfy_eigenvectors", hfy_eigenvectors(a, n, b, c, 1, out.d[0], out.d[1], out.d[2], &work), 1, 0);
  judge("hfy_rate_henrici", hfy_rate_henrici(a, n, out.d[0], &work), 1, 0);
  for (i = 0; i < n; i++)
    for (j = 0; j < i; j++) a[j * n + i] = a[i * n + j];
  judge("hfy_linalg_eigen", hfy_linalg_eigen(a, n, out.d[0], out.d[1], &work), n, 0);
  judge("hfy_linalg_svd", hfy_linalg_svd(a, n, m, out.d[0], out.d[1], out.d[2], &work), m < n ? m : n, 0);
  judge("hfy_linalg_pinv", hfy_linalg_pinv(a, n, m, pick(2) ? 0 : above(), out.d[0], &rank, &work), n * m, 0);
}

static hfy_net a_net(void) {
  hfy_net net;
  memset(&net, 0, sizeof net);
  net.dim = 1 + pick(MOST);
  net.count = 1 + pick(MOST);
  net.keys = x;
  net.beta = pick(2) ? 0 : above();
  if (pick(2)) net.sep.kind = (hfy_sep_kind)pick(12);
  if (pick(4) == 0) net.sep.alpha = above();
  if (pick(4) == 0) net.sep.gamma = above();
  if (pick(4) == 0) net.sep.k = above();
  if (pick(4) == 0) net.bias = y;
  return net;
}

static void wild_theory(void) {
  const hfy_net net = a_net();
  const size_t count = net.count, dim = net.dim, set[3] = {pick(count), pick(count), pick(count)};
  hfy_theory_separation all;
  hfy_theory_convergence converge;
  hfy_theory_metastability settle;
  hfy_theory_association association;
  hfy_theory_sphere sphere;
  hfy_theory_exact exact;
  hfy_theory_softmax softmax;
  hfy_theory_jacobian_norm norms;
  int i;
  memset(&all, 0, sizeof all);
  all.separation = out.d[0], all.rival = out.n[0], all.radius = out.d[1], all.radius_bound = out.d[2];
  judge("hfy_theory_separate", hfy_theory_separate(&net, &all, &work), count, 0);
  judge("hfy_theory_retrieves", hfy_theory_retrieves(&net, z, 1, out.d[0], NULL, &work), 1, 0);
  judge("hfy_theory_bound_energy", hfy_theory_bound_energy(&net, z, 0, NULL, out.d[1], &work), 1, 0);
  judge("hfy_theory_jacobian", hfy_theory_jacobian(&net, z, out.d[0], NULL, &work), dim * dim, 0);
  STRUCT("hfy_theory_jacobian", hfy_theory_jacobian(&net, z, NULL, &norms, &work), norms);
  memset(&converge, 0, sizeof converge), memset(&settle, 0, sizeof settle); /* steps and flags read as tiny numbers */
  STRUCT("hfy_theory_converges", hfy_theory_converges(&net, set[0], pick(2) ? z : NULL, &converge, &work), converge);
  STRUCT("hfy_theory_settles", hfy_theory_settles(&net, set, 1 + pick(2), pick(2) ? z : NULL, &settle, &work), settle);
  STRUCT("hfy_theory_associates", hfy_theory_associates(&net, set, 1 + pick(2), &association, &work), association);
  sphere.dim = pick(2) ? 2 + above() : above(), sphere.radius = above(), sphere.beta = above();
  sphere.margin = pick(2) ? 0 : above(), sphere.failure = pick(2) ? hfy_rng_uniform(&rng) : above();
  sphere.angle = pick(2) ? 0 : above(), sphere.zeta = pick(2) ? 0 : 1 + above();
  memset(&softmax, 0, sizeof softmax);
  STRUCT("hfy_theory_capacity_exact", hfy_theory_capacity_exact(&sphere, &exact, &work), exact);
  STRUCT("hfy_theory_capacity_softmax", hfy_theory_capacity_softmax(&sphere, &softmax, &work), softmax);
  judge("hfy_theory_dimension",
        hfy_theory_dimension(sphere.beta, sphere.radius, above(), sphere.failure, out.d[0], &work), 1, 0);
  for (i = 0; i < 2; i++)
    judge("hfy_theory_slack", hfy_theory_slack((hfy_theory_law)i, sphere.dim, sphere.beta, sphere.radius, 1 + above(),
                                               out.d[0], &work), 1, 0);
  judge("hfy_theory_capacity_binary", hfy_theory_capacity_binary(above(), 1 + above(), out.d[0], out.d[1], &work), 1, 0);
  judge("hfy_theory_lambert", hfy_theory_lambert(-(int)pick(2), any(), out.d[0], &work), 1, 0);
  out.d[0][0] = any();
  if (out.d[0][0] <= DBL_MAX) out.d[0][0] = hfy_theory_lambert_exp(out.d[0][0]), CHECK(!some_nan(out.d[0], 1));
  out = before;
  judge("hfy_theory_jacobian_softmax",
        hfy_theory_jacobian_softmax(z, 1, 1 + pick(MOST), above(), out.d[0], out.d[1], &work), 1, 0);
  judge("hfy_theory_metastable", hfy_theory_metastable(z, 1, 1 + pick(MOST), above(), out.n[0], &work), 0, 0);
}

static hfy_post a_post(void) {
  hfy_post post;
  memset(&post, 0, sizeof post);
  post.kind = (hfy_post_kind)pick(HFY_POST_RECTIFIED_POWER + 1);
  if (pick(3) == 0) post.beta = above();
  if (pick(3) == 0) post.radius = above();
  if (pick(3) == 0) post.eta = above();
  if (pick(3) == 0) post.eps = above();
  if (pick(2)) post.power = pick(2) ? 3 * hfy_rng_uniform(&rng) : above();
  if (pick(2)) post.sigma = above();
  if (pick(2)) post.theta = any();
  if (pick(3) == 0) post.gain = y + 100;
  if (pick(3) == 0) post.delta = y + 200;
  post.matrix = y + 300, post.dof_minus = pick(2);
  return post;
}

static void wild_net(void) {
  hfy_net net = a_net();
  const hfy_post post = a_post();
  const size_t n = 1 + pick(MOST), dim = net.dim;
  hfy_heads heads;
  hfy_grad grad;
  hfy_post_grad slope;
  hfy_sep plus;
  hfy_status status;
  double residual = 0;
  int part;
  memset(&heads, 0, sizeof heads), memset(&grad, 0, sizeof grad), memset(&slope, 0, sizeof slope);
  judge("hfy_post_apply", hfy_post_apply(&post, z, pick(2) ? x : NULL, 1, n, out.r[0], &work), 0, n);
  slope.z = out.r[0];
  part = (int)pick(6); /* one parameter at a time: what a kind has not is refused */
  if (part == 1) slope.gain = out.r[1], slope.delta = out.r[2];
  if (part == 2) slope.matrix = out.r[1];
  if (part == 3) slope.beta = out.d[0], slope.eta = post.kind == HFY_POST_LAYERNORM ? out.d[0] : NULL;
  if (part == 4) slope.radius = out.d[0], slope.eps = out.d[1];
  if (part == 5) slope.power = out.d[0], slope.sigma = out.d[1], slope.theta = out.d[2];
  status = hfy_post_vjp(&post, z, x, 1, n, &slope, &work); /* carries NaN and infinity through */
  judge("hfy_post_vjp", status, 0, 0);
  judge("hfy_post_value", hfy_post_value(&post, z, 1, n, out.d[0], &work), 1, 0);
  judge("hfy_post_conjugate", hfy_post_conjugate(&post, z, 1, n, out.d[0], &work), 1, 0);
  if (pick(3) == 0) net.post = post;
  if (pick(4) == 0) net.self_coupling = y + 100;
  if (pick(4) == 0) net.values = z + 100;
  if (pick(4) == 0) net.sim = (hfy_sim)pick(HFY_SIM_COSINE + 1);
  if (pick(4) == 0) net.null_pattern = 1, net.null_score = any();
  if (pick(4) == 0) net.step = hfy_rng_uniform(&rng);
  if (pick(4) == 0) net.max_steps = 1 + pick(3);
  if (pick(8) == 0) net.leave_out = hfy_rng_uniform(&rng);
  if (pick(8) == 0) plus = net.sep, net.sep.kind = HFY_SEP_SPARSEMAX, net.sep.plus = &plus;
  judge("hfy_retrieve", hfy_retrieve(&net, z, 1, out.r[0], NULL, &work), 0, dim);
  judge("hfy_energy", hfy_energy(&net, z, 1, out.d[0], &work), 1, 0);
  judge("hfy_energy_gradient", hfy_energy_gradient(&net, z, 1, out.r[0], &work), 0, dim);
  judge("hfy_energy_constant", hfy_energy_constant(&net, (hfy_energy_form)pick(3), out.d[0], &work), 1, 0);
  grad.queries = out.r[0], grad.keys = out.r[1];
  if (net.bias) grad.bias = out.r[2];
  if (pick(2)) grad.beta = out.d[0];
  if (net.null_pattern && pick(2)) grad.null_score = out.d[1];
  judge("hfy_energy_vjp", hfy_energy_vjp(&net, z, 1, a, &grad, &work), 1, dim);
  grad.implicit = !pick(4), grad.residual = grad.implicit ? &residual : NULL;
  if (net.self_coupling) grad.self_coupling = out.r[2] + 100;
  status = hfy_retrieve_vjp(&net, z, 1, y + 400, &grad, &work);
  CHECK(!some_nan(&residual, 1));
  if (status && net.max_steps > 1) out = before; /* what later steps had given */
  CHECK(!some_real_nan(out.r[0], dim));
  judge("hfy_retrieve_vjp", status, 1, mood ? 0 : dim); /* sums of keys may leave hfy_real */
  net.values = NULL, heads.count = 1 + pick(3);
  if (pick(2)) net.readout = z + 200, net.readout_dim = dim;
  status = hfy_retrieve_heads(&net, &heads, z, 1, out.r[0], &work);
  if (status && heads.count > 1) out = before; /* other heads have answers */
  judge("hfy_retrieve_heads", status, 0, heads.count * dim);
}

static void wild_recall(void) {
  const hfy_net net = a_net();
  hfy_recall how;
  hfy_recall_state state;
  size_t item[2] = {0, 0}, made;
  hfy_status status;
  memset(&how, 0, sizeof how), memset(&state, 0, sizeof state);
  how.kind = (hfy_recall_kind)pick(3), how.inner_steps = pick(2), how.bare_cue = (int)pick(2);
  if (!pick(3)) how.penalty = above();
  if (!pick(3)) how.decay = above();
  if (!pick(3)) how.transition = above();
  if (!pick(3)) how.boost = 1 + above();
  if (!pick(3)) how.rho = above();
  state.left = out.d[0], state.query = out.r[0], state.weights = out.r[1];
  status = hfy_recall_begin(&net, &how, z, &state, &work);
  if (!status) {
    CHECK(!some_nan(out.d[0], net.count) && !some_real_nan(out.r[0], net.dim) && !some_real_nan(out.r[1], net.count));
    if (!hfy_recall_next(&net, &how, &state, item, &work))
      if (!CHECK(!some_nan(out.d[0], net.count) && !some_real_nan(out.r[0], net.dim) &&
                 !some_real_nan(out.r[1], net.count)))
        printf("      (hfy_recall_next, trial %d, kind %d)\n", (int)trial, (int)how.kind);
    out = before;
  } else {
    judge("hfy_recall_begin", status, net.count, net.count);
  }
  (void)hfy_recall_all(&net, &how, z, 2, item, &made, &work);
  judge("hfy_recall_bias", hfy_recall_bias(above(), 1, 2, MOST, out.r[0], &work), 0, 0);
  judge("hfy_recall_levenshtein", hfy_recall_levenshtein(item, 2, item, 2, out.n[0], out.d[0], &work), 1, 0);
}

static void wild_binary(void) {
  const size_t dim = 1 + pick(MOST), count = 1 + pick(MOST), queries = 1 + pick(3);
  hfy_binary m;
  hfy_net net;
  hfy_binary_report report;
  int rule;
  memset(&m, 0, sizeof m), memset(&report, 0, sizeof report);
  for (rule = 0; rule < 2; rule++) {
    judge("hfy_binary_weights", hfy_binary_weights((hfy_binary_rule)rule, z, count, dim, 0, (int)pick(2), out.r[0], &work),
          0, dim * dim);
    judge("hfy_binary_net", hfy_binary_net((hfy_binary_rule)rule, z, count, dim, 0, rule ? out.r[0] : NULL,
                                           pick(2) ? out.r[1] : NULL, &net, &work), 0, rule ? count * dim : 0);
  }
  if (pick(2)) draw_reals(x, 1);
  if (pick(2)) draw_reals(y, 1);
  m.dim = dim, m.count = count, m.patterns = x, m.weights = z, m.kind = (hfy_binary_kind)pick(4);
  m.order = (hfy_binary_order)pick(3), m.degree = pick(2) ? 0 : pick(2) ? floor(above()) : 2 + (double)pick(511);
  m.max_sweeps = 1 + pick(4);
  report.energy = out.d[0];
  judge("hfy_binary_recall", hfy_binary_recall(&m, y, queries, out.r[0], &report, &work), queries * (m.max_sweeps + 1),
        queries * dim);
  judge("hfy_binary_energy", hfy_binary_energy(&m, y, queries, out.d[0], NULL, &work), queries, 0);
}

static void wild_kernel(void) {
  static uint64_t packed[MOST * 2], tails[MOST], cues[4];
  static double table[2 * MOST + 1];
  static float floats[ROOM];
  const size_t flips[2] = {0, pick(4)};
  size_t i, bits, steps[4], period[4];
  hfy_kernel k;
  hfy_kernel_curvature curvature;
  hfy_kernel_margins margins;
  hfy_kernel_report report;
  hfy_kernel_census census;
  hfy_kernel_training t;
  hfy_kernel_result result;
  hfy_kernel_geometry geometry;
  hfy_kernel_spectrum spectrum;
  hfy_kernel_fisher fisher;
  hfy_kernel_path path;
  hfy_net net;
  hfy_status status;
  signed char bytes[ROOM];
  double scale = 0;
  memset(&k, 0, sizeof k), memset(&t, 0, sizeof t), memset(&path, 0, sizeof path);
  k.dim = 1 + pick(2 * MOST), k.count = 1 + pick(MOST), k.patterns = packed;
  CHECK(hfy_kernel_random(k.count, k.dim, &rng, packed, &work) == HFY_OK);
  if (k.count > 1 && !pick(3)) packed[1] = packed[0]; /* twice the same */
  k.kind = (hfy_kernel_kind)pick(3);
  if (pick(2)) k.gamma = above();
  if (pick(2)) k.degree = 1 + (double)pick(64);
  if (pick(3) == 0) k.offset = above();
  k.no_self = !pick(4);
  if (!pick(4)) k.targets = packed, k.target_dim = pick(3) ? 0 : 1 + pick(k.dim);
  if (k.targets)
    for (i = 0; i < k.count && k.target_dim; i++) tails[i] = packed[i] & (((uint64_t)1 << k.target_dim) - 1);
  if (k.target_dim) k.targets = tails;
  bits = k.target_dim ? k.target_dim : k.dim;
  if (!pick(4)) k.kind = HFY_KERNEL_TABLE, k.table = table;
  for (i = 0; i <= k.dim; i++) table[i] = pick(20) ? exp(-0.3 * (double)i) : any();
  t.trainer = (hfy_kernel_trainer)pick(5), t.max_iterations = pick(40);
  if (pick(2)) t.lambda = above();
  if (pick(3) == 0) t.eta = above();
  if (pick(4) == 0) t.tol = above();
  if (pick(4) == 0) t.unpenalised = 1;
  judge("hfy_kernel_gram", hfy_kernel_gram(&k, out.d[0], &work), k.count * k.count, 0);
  memset(&result, 0, sizeof result);
  status = hfy_kernel_train(&k, &t, out.d[0], &result, &work);
  if (status == HFY_ERR_CONVERGENCE && t.trainer == HFY_KERNEL_EXACT) { /* written all the same */
    CHECK(!some_nan(out.d[0], bits * k.count) && !some_nan(&result.residual, 5));
    out = before;
  }
  judge("hfy_kernel_train", status, bits * k.count, 0);
  if (!status && !CHECK(!some_nan(&result.residual, 5)))
    printf("      (train %d, trial %d mood %d: %g %g %g %g %g)\n", (int)t.trainer, (int)trial, mood, result.residual,
           result.loss, result.gap, result.gram_largest, result.stability);
  memset(&margins, 0, sizeof margins);
  t.trainer = HFY_KERNEL_EXACT, t.unpenalised = 0, t.lambda = t.eta = 0;
  status = hfy_kernel_train_margin(&k, &t, out.d[0], &margins, &work);
  if (status == HFY_ERR_CONVERGENCE) {
    CHECK(!some_nan(out.d[0], bits * k.count));
    out = before;
  }
  judge("hfy_kernel_train_margin", status, bits * k.count, 0);
  CHECK(!some_nan(&margins.norm, 4));
  status = hfy_kernel_quantize(a, 1 + pick(ROOM), bytes, &scale, &work);
  CHECK(status || !some_nan(&scale, 1));
  k.alpha = a;
  judge("hfy_kernel_bound", hfy_kernel_bound(&k, out.d[0], &work), bits, 0);
  CHECK(hfy_kernel_random(4, k.dim, &rng, cues, &work) == HFY_OK);
  memset(&report, 0, sizeof report), memset(&census, 0, sizeof census);
  report.steps = steps, report.period = period;
  if (pick(3) == 0) k.alpha_bytes = bytes, k.alpha = NULL; /* alpha below is asked for again */
  if (pick(3) == 0) k.alpha_float = floats, k.alpha = NULL;
  for (i = 0; i < ROOM; i++) floats[i] = fabs(a[i]) <= (double)FLT_MAX ? (float)a[i] : (float)HUGE_VAL;
  for (i = 0; i < ROOM; i++) bytes[i] = (signed char)(pick(255) - 127);
  if (pick(3) == 0) k.nearest = 1 + pick(MOST);
  if (pick(3) == 0) k.order = (hfy_binary_order)pick(3);
  if (pick(3) == 0) k.bound = b;
  k.max_steps = pick(5);
  judge("hfy_kernel_recall", hfy_kernel_recall(&k, cues, 4, (uint64_t *)(void *)out.n[0], &report, &work), 0, 0);
  judge("hfy_kernel_basins", hfy_kernel_basins(&k, 1 + pick(k.count), flips, 2, &rng, out.d[0], out.d[1], &work), 2, 0);
  STRUCT("hfy_kernel_explore", hfy_kernel_explore(&k, 4, &rng, &census, &work), census);
  k.alpha = a, k.alpha_bytes = NULL, k.alpha_float = NULL, k.nearest = 0, k.order = (hfy_binary_order)0, k.bound = NULL;
  judge("hfy_kernel_hessian", hfy_kernel_hessian(&k, b, out.d[0], &work), k.dim * k.dim, 0);
  STRUCT("hfy_kernel_curvatures",
         hfy_kernel_curvatures(&k, pick(k.dim), b, NULL, above(), &curvature, out.d[0], out.d[1], &work), curvature);
  judge("hfy_kernel_net", hfy_kernel_net(&k, out.r[0], out.r[1], &net, &work), 0, k.dim);
  judge("hfy_kernel_potentials", hfy_kernel_potentials(&k, packed, 1, out.d[0], NULL, &work), bits, 0);
  judge("hfy_kernel_stored", hfy_kernel_stored(&k, out.d[0], out.d[1], &work), 1, 0);
  memset(&geometry, 0, sizeof geometry);
  judge("hfy_kernel_forces", hfy_kernel_forces(&k, b, 1, out.d[0], out.d[1], NULL, &work), k.dim, 0);
  STRUCT("hfy_kernel_forces", hfy_kernel_forces(&k, b, 1, NULL, NULL, &geometry, &work), geometry);
  STRUCT("hfy_kernel_spectra", hfy_kernel_spectra(&k, NULL, &spectrum, NULL, NULL, NULL, NULL, &work), spectrum);
  status = hfy_kernel_information(&k, pick(k.dim), b, NULL, above(), pick(2) ? 0 : above(), &fisher, out.d[0], NULL, &work);
  judge("hfy_kernel_information", status, k.count, 0);
  if (!status && !CHECK(!some_nan(&fisher.loss, 3) && !some_nan(&fisher.sharpness, 1)))
    printf("      (information, trial %d mood %d: %g %g %g %g)\n", (int)trial, mood, fisher.loss, fisher.euclidean,
           fisher.riemannian, fisher.sharpness);
  path.progress = out.d[0], path.deviation = out.d[1], path.principal = out.d[2], path.tail = out.d[3];
  judge("hfy_kernel_follow", hfy_kernel_follow(&k, pick(k.dim), NULL, pick(2) ? 0 : above(), pick(2) ? 0 : above(), 5,
                                               (int)pick(2), 0, &path, &work), 5, 0);
}

static void wild_rate(void) {
  const size_t n = 1 + pick(MOST), p = 1 + pick(MOST);
  hfy_rate unit = {0, 0, 0, NULL};
  hfy_rate_options o;
  hfy_rate_outcome outcome;
  hfy_rate_averages averages;
  hfy_rate_load load;
  hfy_rate_modes modes;
  hfy_rate_replica replica;
  hfy_rate_disc disc;
  hfy_rate_search search;
  hfy_rate_grid grid;
  hfy_rate_basin_options basin;
  hfy_rate_mask mask;
  hfy_rate_rows rows;
  hfy_rate_points points;
  hfy_rate_course course;
  hfy_rate_rates rates;
  hfy_rate_lead lead;
  hfy_net net;
  hfy_rng generators[2];
  hfy_status status, ended[3], row_status[MOST];
  signed char signs[MOST * MOST];
  static const size_t one_unit[1] = {0};
  size_t i;
  memset(&rows, 0, sizeof rows), memset(&lead, 0, sizeof lead);
  memset(&o, 0, sizeof o), memset(&outcome, 0, sizeof outcome), memset(&search, 0, sizeof search);
  unit.power = pick(2) ? 1 : pick(2) ? 3 * hfy_rng_uniform(&rng) : above();
  unit.sigma = pick(2) ? 0 : above(), unit.theta = pick(2) ? 0 : any();
  if (unit.power > 0 && unit.power <= DBL_MAX && unit.sigma <= DBL_MAX && fabs(unit.theta) <= DBL_MAX) {
    const double v = any(), g = hfy_rate_g(&unit, v), r = above();
    if (fabs(v) <= DBL_MAX) CHECK(!some_nan(&g, 1));
    out.d[0][0] = hfy_rate_inverse(&unit, r), out.d[1][0] = hfy_rate_slope_at(&unit, r);
    if (r <= DBL_MAX && !CHECK(!some_nan(out.d[0], 1) && !some_nan(out.d[1], 1)))
      printf("      (inverse, slope_at of %g: %g, %g; power %g, sigma %g)\n", r, out.d[0][0], out.d[1][0], unit.power,
             unit.sigma);
    out.d[0][0] = hfy_rate_slope(&unit, v);
    if (fabs(v) <= DBL_MAX && !CHECK(!some_nan(out.d[0], 1)))
      printf("      (slope of %g, power %g, sigma %g)\n", v, unit.power, unit.sigma);
    out = before;
  }
  draw(b, 1);
  if (pick(2))
    for (i = 0; i < ROOM; i++) b[i] = pick(3) && b[i] <= DBL_MAX ? b[i] : 0;
  judge("hfy_rate_patterns", hfy_rate_patterns(&rng, above(), above(), p, n, out.d[0], &work), p * n, 0);
  judge("hfy_rate_perturb", hfy_rate_perturb(&rng, b, p, n, 0.1, 0.5, out.d[0], &work), 0, 0);
  judge("hfy_rate_weights", hfy_rate_weights(&unit, b, p, n, (int)pick(2), out.d[0], &work), n * n, 0);
  status = hfy_rate_weights_sparse(&unit, b, p, n, pick(2) ? 0 : above(), out.d[0], NULL, &work);
  CHECK(!some_nan(out.d[0], n * n));
  out = before;
  judge("hfy_rate_net", hfy_rate_net(&unit, b, p, n, (int)pick(2), 1, out.r[0], out.r[1], out.r[2], &net, &work), 0, n);
  judge("hfy_rate_jacobian", hfy_rate_jacobian(&unit, a, b, n, out.d[0], &work), n * n, 0);
  memset(&modes, 0, sizeof modes);
  judge("hfy_rate_spectrum", hfy_rate_spectrum(&unit, a, b, n, out.d[0], out.d[1], NULL, &work), n, 0);
  STRUCT("hfy_rate_spectrum", (status = hfy_rate_spectrum(&unit, a, b, n, c, c + n, &modes, &work), status), modes);
  status = hfy_rate_stability(&unit, a, b, p, n, out.d[0], NULL, &work);
  for (i = 0; i < p; i++)
    if (out.d[0][i] > DBL_MAX && unit.power < 1 && !(unit.sigma > 1e-290)) out.d[0][i] = 0;
  judge("hfy_rate_stability", status, p, 0); /* infinite: tight units */
  search.grid = 3, search.steps = 1 + pick(3);
  judge("hfy_rate_tight", hfy_rate_tight(&unit, a, b, p, n, out.n[0], &work), 0, 0);
  for (i = 0; i < n * n; i++) signs[i] = (signed char)(pick(4) ? 0 : (int)pick(4) - 1);
  mask.column = pick(2) ? signs : NULL, mask.weight = pick(2) ? signs : NULL;
  for (i = 0; i < n && mask.column; i++) signs[i] = (signed char)(signs[i] == 2 ? 0 : signs[i]);
  rows.status = row_status, rows.multipliers = out.d[1];
  status = hfy_rate_weights_masked(&unit, b, p, n, pick(2) ? 0 : above(), &mask, out.d[0], &rows, &work);
  CHECK(!some_nan(out.d[0], n * n) && (status || !some_nan(out.d[1], n * p)));
  out = before;
  memset(&points, 0, sizeof points), memset(&course, 0, sizeof course);
  points.abscissa = out.d[1], points.status = row_status;
  status = hfy_rate_fixed_points(&unit, a, n, b, 1 + pick(2), out.d[0], &points, &work);
  if (status == HFY_ERR_CONVERGENCE) out = before; /* x as where the search ended */
  judge("hfy_rate_fixed_points", status, n, 0);
  course.dt = pick(2) ? 0 : above(), course.steps = pick(30), course.voltage = (int)pick(2);
  course.noise = pick(2) ? 0 : above(), course.delay = pick(4), course.every = pick(4), course.record = out.d[2];
  if (course.every) course.units = one_unit, course.n_units = 1;
  generators[0] = generators[1] = rng;
  status = hfy_rate_run(&unit, a, n, b, 1 + pick(2), &course, generators, out.d[0], NULL, &work);
  if (status == HFY_ERR_NONFINITE && memcmp(&out, &before, sizeof out)) { /* diverged: the last finite state */
    CHECK(!some_nan(out.d[0], n) && !some_nan(out.d[2], n));
    out = before;
  }
  judge("hfy_rate_run", status, n, 0);
  rates.cv = above(), rates.units = pick(2) ? 0 : 2 + pick(1000), rates.r = pick(2) ? b : NULL, rates.n = p;
  rates.weight = pick(2) ? NULL : b + 9;
  if (pick(20) == 0)
    STRUCT("hfy_rate_leading", hfy_rate_leading(&unit, &rates, hfy_rng_uniform(&rng), (int)pick(2), &lead, &work), lead);
  if (pick(60) == 0)
    judge("hfy_rate_critical_load", hfy_rate_critical_load(&unit, &rates, (int)pick(2), out.d[0], &work), 1, 0);
  STRUCT("hfy_rate_solve_replica_of",
         hfy_rate_solve_replica_of(&unit, b, rates.weight, p, hfy_rng_uniform(&rng), above(), &replica, &work), replica);
  status = hfy_rate_threshold(&unit, b, p, n, &search, out.d[0], out.d[1], &work);
  if (status == HFY_ERR_CONVERGENCE) status = HFY_OK, work.message[0] = 0; /* the best so far, written all the same */
  judge("hfy_rate_threshold", status, 1, 0);
  c[0] = hfy_rate_asymmetry(a, n);
  for (i = 0; i < n * n && fabs(a[i]) <= DBL_MAX;) i++;
  CHECK(i < n * n || !some_nan(c, 1));
  STRUCT("hfy_rate_theory_of", hfy_rate_theory_of(&unit, b, pick(2) ? NULL : b + 9, p, (int)pick(2), &averages, &work),
         averages);
  if (mood % 2 == 0) {
    status = hfy_rate_theory(&unit, above(), (int)pick(2), &averages, &work);
    STRUCT("hfy_rate_theory", status, averages);
    if (!status) STRUCT("hfy_rate_at_load", hfy_rate_at_load(&averages, hfy_rng_uniform(&rng), &load, &work), load);
    if (pick(20) == 0)
      judge("hfy_rate_bulk_edge", hfy_rate_bulk_edge(&unit, above(), hfy_rng_uniform(&rng), (int)pick(2), pick(3) * 99,
                                                     out.d[0], &work), 1, 0);
    memset(&grid, 0, sizeof grid);
    grid.power = above(), grid.power_step = above(), grid.powers = 1 + pick(2);
    grid.log_sigma = any(), grid.log_sigma_step = any(), grid.sigmas = 1 + pick(2);
    if (pick(10) == 0 && !hfy_rate_optimum(above(), &grid, &unit, c, &work)) CHECK(!some_nan(c, 1));
  }
  judge("hfy_rate_capacity", hfy_rate_capacity(above(), out.d[0], out.d[1], &work), 1, 0);
  STRUCT("hfy_rate_solve_replica",
         hfy_rate_solve_replica(&unit, pick(2) ? 0 : above(), hfy_rng_uniform(&rng), above(), &replica, &work), replica);
  STRUCT("hfy_rate_circular_law",
         hfy_rate_circular_law(hfy_rng_uniform(&rng), 2 * hfy_rng_uniform(&rng) - 1, above(), above(), any(), &disc, &work),
         disc);
  o.dt = pick(2) ? 0 : above(), o.duration = pick(2) ? 0 : above(), o.tol = pick(2) ? 0 : any();
  o.rtol = pick(2) ? 0 : above(), o.voltage = (int)pick(2), o.max_steps = 1 + pick(200);
  draw(c, 0);
  outcome.time = out.d[1], outcome.speed = out.d[2], outcome.status = ended;
  status = hfy_rate_simulate(&unit, a, n, c, 1 + pick(3), &o, out.d[0], &outcome, &work);
  if (status == HFY_ERR_CONVERGENCE || status == HFY_ERR_NONFINITE) {
    CHECK(!some_nan(out.d[0], n) && !some_nan(out.d[1], 1));
    out = before;
  }
  judge("hfy_rate_simulate", status, n, 0);
  memset(&basin, 0, sizeof basin);
  basin.trials = 2, basin.bisections = 2, basin.run = o, basin.run.voltage = 0, basin.most = pick(2) ? 0 : above();
  judge("hfy_rate_basin", hfy_rate_basin(&unit, a, b, n, &rng, &basin, out.d[0], &work), 1, 0);
}

typedef void room(void);
static void run(room *one) {
  const char *seed = getenv("WILD_SEED"), *trials = getenv("WILD_TRIALS");
  const size_t most = trials ? (size_t)strtoul(trials, NULL, 10) : 700 / FEWER;
  size_t i;
  for (trial = 0; trial < most; trial++) {
    rng = hfy_rng_seed((seed ? strtoul(seed, NULL, 10) * 1000003u : 0) + trial);
    mood = (int)pick(8);
    flat = 0;
    flat = any();
    draw(a, 0), draw(b, 0), draw_reals(x, 0), draw_reals(y, 0), draw_reals(z, 0);
    for (i = 0; i < ROOM && pick(2); i++) x[i] = z[i];
    memset(&before, 0x44, sizeof before); /* no NaN */
    out = before;
    one();
  }
  hfy_work_free(&work);
}

TEST(linalg) { run(wild_linalg); }
TEST(theory) { run(wild_theory); }
TEST(net) { run(wild_net); }
TEST(recall) { run(wild_recall); }
TEST(binary) { run(wild_binary); }
TEST(kernel) { run(wild_kernel); }
TEST(rate) { run(wild_rate); }
TEST(not_all_was_refused) { CHECK(*check_filter || answers > 5000 / FEWER); }

/* What is missing, or out of range, is said by name. */
#define REFUSED(call, words) CHECK_FAILS(call, HFY_ERR_ARG, &work, words)
TEST(missing_kernel) {
  uint64_t bits[4] = {5, 2, 5, 1};
  double alpha[12] = {1, -1, 1, 1, 1, -1, 1, 2, 3, 0, 0, 1}, tiny[12] = {1e-300, 0}, d[64], state[64] = {0};
  const double nan = HUGE_VAL - HUGE_VAL;
  const size_t flips = 1;
  signed char bytes[12];
  hfy_kernel k;
  hfy_kernel_training t;
  hfy_kernel_census census;
  hfy_kernel_fisher fisher;
  hfy_kernel_margins margins;
  hfy_kernel_spectrum spectrum;
  hfy_kernel_path path;
  hfy_net net;
  memset(&k, 0, sizeof k), memset(&t, 0, sizeof t), memset(&path, 0, sizeof path);
  k.dim = 3, k.count = 4, k.patterns = bits;
  REFUSED(hfy_kernel_pack(NULL, 1, 3, bits, &work), "x is NULL");
  REFUSED(hfy_kernel_pack(x, 1, 3, NULL, &work), "packed is NULL");
  CHECK(hfy_kernel_pack(NULL, 0, 3, NULL, &work) == HFY_OK && hfy_kernel_unpack(NULL, 0, 3, NULL, &work) == HFY_OK);
  REFUSED(hfy_kernel_unpack(bits, 1, 3, NULL, &work), "x is NULL");
  REFUSED(hfy_kernel_gram(&k, NULL, &work), "gram is NULL");
  REFUSED(hfy_kernel_forces(&k, b, 1, d, d, NULL, &work), "alpha is NULL");
  k.alpha = alpha, k.nearest = 9;
  REFUSED(hfy_kernel_net(&k, NULL, y, &net, &work), "keys is NULL");
  REFUSED(hfy_kernel_net(&k, x, NULL, &net, &work), "values is NULL");
  REFUSED(hfy_kernel_net(&k, x, y, NULL, &work), "net is NULL");
  REFUSED(hfy_kernel_forces(&k, NULL, 1, d, d, NULL, &work), "x is NULL");
  REFUSED(hfy_kernel_forces(&k, b, SIZE_MAX / 8, d, d, NULL, &work), "points cannot exist");
  REFUSED(hfy_kernel_potentials(&k, bits, 1, NULL, NULL, &work), "h is NULL");
  CHECK(hfy_kernel_potentials(&k, bits, 0, NULL, NULL, &work) == HFY_OK);
  CHECK(hfy_kernel_forces(&k, NULL, 0, NULL, NULL, NULL, &work) == HFY_OK);
  REFUSED(hfy_kernel_quantize(NULL, 3, bytes, NULL, &work), "alpha is NULL");
  REFUSED(hfy_kernel_quantize(alpha, 3, NULL, NULL, &work), "bytes is NULL");
  REFUSED(hfy_kernel_quantize(alpha, SIZE_MAX / 8, bytes, NULL, &work), "cannot exist");
  CHECK(hfy_kernel_quantize(NULL, 0, NULL, NULL, &work) == HFY_OK);
  REFUSED(hfy_kernel_flip(bits, 1, 3, 1, NULL, bits, &work), "rng is NULL");
  REFUSED(hfy_kernel_flip(bits, 1, 3, 1, &rng, NULL, &work), "out is NULL");
  CHECK(hfy_kernel_flip(bits, 1, 3, 0, &rng, bits, &work) == HFY_OK);
  CHECK(hfy_kernel_flip(NULL, 0, 3, 1, &rng, NULL, &work) == HFY_OK);
  REFUSED(hfy_kernel_random(1, 3, NULL, bits, &work), "rng is NULL");
  REFUSED(hfy_kernel_random(1, 3, &rng, NULL, &work), "out is NULL");
  CHECK(hfy_kernel_random(0, 3, &rng, NULL, &work) == HFY_OK);
  REFUSED(hfy_kernel_basins(NULL, 1, &flips, 1, &rng, d, NULL, &work), "kernel is NULL");
  REFUSED(hfy_kernel_basins(&k, 1, NULL, 1, &rng, d, NULL, &work), "flips is NULL");
  REFUSED(hfy_kernel_basins(&k, 1, &flips, 1, NULL, d, NULL, &work), "rng is NULL");
  REFUSED(hfy_kernel_basins(&k, 1, &flips, 1, &rng, NULL, NULL, &work), "recovered is NULL");
  REFUSED(hfy_kernel_basins(&k, 0, &flips, 1, &rng, d, NULL, &work), "patterns is 0");
  REFUSED(hfy_kernel_explore(&k, 1, NULL, &census, &work), "rng is NULL");
  REFUSED(hfy_kernel_explore(&k, 1, &rng, NULL, &work), "census is NULL");
  REFUSED(hfy_kernel_spectra(&k, NULL, NULL, d, d, d, d, &work), "spectrum is NULL");
  CHECK(hfy_kernel_spectra(&k, NULL, &spectrum, NULL, NULL, NULL, NULL, &work) == HFY_OK);
  REFUSED(hfy_kernel_information(&k, 0, NULL, NULL, 0, 0, &fisher, d, d, &work), "a is NULL");
  REFUSED(hfy_kernel_information(&k, 0, alpha, NULL, 0, 0, NULL, d, d, &work), "fisher is NULL");
  REFUSED(hfy_kernel_information(&k, 0, alpha, NULL, nan, 0, &fisher, d, d, &work), "lambda is nan");
  REFUSED(hfy_kernel_information(&k, 0, alpha, NULL, 0, -1, &fisher, d, d, &work), "damping is -1");
  REFUSED(hfy_kernel_follow(&k, 0, NULL, 0, 0, 5, 0, 0, NULL, &work), "path is NULL");
  path.fisher = (hfy_kernel_fisher *)(void *)out.d; /* equal patterns: no natural step */
  CHECK(hfy_kernel_follow(&k, 0, NULL, 0, 0, 5, 0, 0, &path, &work) == HFY_ERR_SINGULAR);
  t.trainer = HFY_KERNEL_PAPER, t.state = state, t.max_iterations = 2;
  CHECK(hfy_kernel_state_size(3, 4) <= COUNT(state) && hfy_kernel_train(&k, &t, d, NULL, &work) == HFY_OK);
  t.resume = 1;
  state[1] = nan; /* once a size */
  REFUSED(hfy_kernel_train(&k, &t, d, NULL, &work), "state was not left by this training");
  t.trainer = HFY_KERNEL_RIDGE;
  REFUSED(hfy_kernel_train(&k, &t, d, NULL, &work), "state and resume are for");
  k.kind = HFY_KERNEL_LINEAR, k.gamma = 5e307, k.alpha = tiny;
  CHECK_FAILS(hfy_kernel_spectra(&k, NULL, &spectrum, NULL, NULL, NULL, NULL, &work), HFY_ERR_NONFINITE, &work,
              "an eigenvalue is beyond double");
  k.kind = HFY_KERNEL_POLYNOMIAL, k.gamma = 1e-320, k.offset = 1e-6, k.degree = 48, k.alpha = alpha;
  CHECK_FAILS(hfy_kernel_train_margin(&k, NULL, d, &margins, &work), HFY_ERR_INFEASIBLE, &work, "no margin above");
  CHECK(margins.gap >= HUGE_VAL); /* nothing is known, and not NaN */
  k.gamma = k.offset = 0, k.degree = 2.5;
  REFUSED(hfy_kernel_gram(&k, d, &work), "degree is 2.5");
  k.degree = 64, k.gamma = 1e300;
  REFUSED(hfy_kernel_gram(&k, d, &work), "leaves the range");
  hfy_work_free(&work);
}

TEST(missing_rate) {
  double r[6] = {1, 2, 0.5, 1, 3, 0.25}, w[4] = {0, 1, 1, 0}, d[8], e[8], alpha;
  hfy_rate one = {1, 0, 0, NULL}, bad = {0, 0, 0, NULL}, rough = {1, -1, 0, NULL};
  hfy_rate_averages averages;
  hfy_rate_load load;
  hfy_rate_grid grid = {1, 0, 1, 0, 0, 1};
  hfy_rate_search search;
  hfy_rate_basin_options basin;
  hfy_rate_options o;
  hfy_rate_disc disc;
  hfy_net net;
  memset(&search, 0, sizeof search), memset(&basin, 0, sizeof basin), memset(&o, 0, sizeof o);
  memset(&averages, 0, sizeof averages);
  CHECK(some_nan((d[0] = hfy_rate_g(NULL, 1), d), 1) && some_nan((d[0] = hfy_rate_g(&bad, 1), d), 1) &&
        some_nan((d[0] = hfy_rate_g(&rough, 1), d), 1));
  REFUSED(hfy_rate_patterns(NULL, 1, 1, 1, 2, d, &work), "rng is NULL");
  REFUSED(hfy_rate_patterns(&rng, 1, 1, 1, 2, NULL, &work), "r is NULL");
  REFUSED(hfy_rate_patterns(&rng, 1, 1, 1, 0, d, &work), "dim 0");
  REFUSED(hfy_rate_perturb(NULL, r, 1, 2, 0, 0, d, &work), "rng is NULL");
  REFUSED(hfy_rate_perturb(&rng, NULL, 1, 2, 0, 0, d, &work), "r is NULL");
  REFUSED(hfy_rate_perturb(&rng, r, 1, 2, 0, 0, NULL, &work), "out is NULL");
  REFUSED(hfy_rate_perturb(&rng, r, 1, 2, 0, -1, d, &work), "missing is -1");
  REFUSED(hfy_rate_perturb(&rng, r, 0, 2, 0, 0, d, &work), "count is 0");
  REFUSED(hfy_rate_net(&one, r, 1, 2, 0, 1, NULL, y, z, &net, &work), "keys is NULL");
  REFUSED(hfy_rate_net(&one, r, 1, 2, 0, 1, x, NULL, z, &net, &work), "values is NULL");
  REFUSED(hfy_rate_net(&one, r, 1, 2, 0, 1, x, y, NULL, &net, &work), "self_coupling is NULL");
  REFUSED(hfy_rate_net(&one, r, 1, 2, 0, 1, x, y, z, NULL, &work), "net is NULL");
  REFUSED(hfy_rate_spectrum(&one, w, r, 2, NULL, e, NULL, &work), "re is NULL");
  REFUSED(hfy_rate_spectrum(&one, w, r, 2, d, NULL, NULL, &work), "im is NULL");
  REFUSED(hfy_rate_spectrum(NULL, w, r, 2, d, e, NULL, &work), "rate is NULL");
  REFUSED(hfy_rate_threshold(&one, r, 1, 2, NULL, NULL, e, &work), "theta is NULL");
  REFUSED(hfy_rate_threshold(&one, r, 1, 2, NULL, d, NULL, &work), "objective is NULL");
  search.low = 1, search.high = HUGE_VAL;
  REFUSED(hfy_rate_threshold(&one, r, 1, 2, &search, d, e, &work), "the bracket is 1 .. inf");
  search.low = -HUGE_VAL;
  REFUSED(hfy_rate_threshold(&one, r, 1, 2, &search, d, e, &work), "the bracket is -inf");
  search.low = 0, search.high = 1, search.grid = 2;
  REFUSED(hfy_rate_threshold(&one, r, 1, 2, &search, d, e, &work), "grid is 2");
  search.grid = 1000001;
  REFUSED(hfy_rate_threshold(&one, r, 1, 2, &search, d, e, &work), "grid is 1000001");
  search.grid = 3, search.steps = SIZE_MAX, search.sample = 9; /* ends */
  CHECK(hfy_rate_threshold(&one, r, 1, 2, &search, d, e, &work) == HFY_OK);
  REFUSED(hfy_rate_theory_of(&one, r, NULL, 2, 0, NULL, &work), "averages is NULL");
  REFUSED(hfy_rate_at_load(NULL, 0.5, &load, &work), "averages is NULL");
  REFUSED(hfy_rate_at_load(&averages, 0.5, NULL, &work), "load is NULL");
  REFUSED(hfy_rate_at_load(&averages, 1, &load, &work), "alpha is 1");
  REFUSED(hfy_rate_at_load(&averages, 0.5, &load, &work), "should have filled it in");
  averages.crr = 1;
  REFUSED(hfy_rate_at_load(&averages, 0.5, &load, &work), "should have filled it in");
  averages.rbar = 1, averages.delta = -1;
  REFUSED(hfy_rate_at_load(&averages, 0.5, &load, &work), "should have filled it in");
  REFUSED(hfy_rate_bulk_edge(&one, 1, 0.5, 0, 9, NULL, &work), "edge is NULL");
  REFUSED(hfy_rate_bulk_edge(&one, 1, 2, 0, 9, d, &work), "alpha is 2");
  REFUSED(hfy_rate_bulk_load(&one, 1, 0, 9, NULL, &work), "alpha is NULL");
  REFUSED(hfy_rate_optimum(1, NULL, NULL, &alpha, &work), "best is NULL");
  REFUSED(hfy_rate_optimum(1, NULL, &one, NULL, &work), "alpha_s is NULL");
  grid.powers = 1000001;
  REFUSED(hfy_rate_optimum(1, &grid, &one, &alpha, &work), "a million points");
  grid.powers = 0;
  REFUSED(hfy_rate_optimum(1, &grid, &one, &alpha, &work), "0 powers");
  grid.powers = 1, grid.sigmas = 0;
  REFUSED(hfy_rate_optimum(1, &grid, &one, &alpha, &work), "0 sigmas");
  grid.sigmas = 1, grid.power_step = -1;
  REFUSED(hfy_rate_optimum(1, &grid, &one, &alpha, &work), "ascending");
  grid.power_step = 0, grid.power = 0;
  REFUSED(hfy_rate_optimum(1, &grid, &one, &alpha, &work), "powers from 0");
  REFUSED(hfy_rate_solve_replica(&one, 1, 1, 0.5, NULL, &work), "replica is NULL");
  REFUSED(hfy_rate_solve_replica(&one, 2e6, 1, 0.5, NULL, &work), "cv is 2000000");
  REFUSED(hfy_rate_solve_replica(&one, 1, 1, 0, NULL, &work), "alpha is 0");
  REFUSED(hfy_rate_circular_law(0.5, 0, 1, 1, HUGE_VAL, &disc, &work), "c is inf");
  REFUSED(hfy_rate_circular_law(0.5, 0, 1, 1, 1, NULL, &work), "disc is NULL");
  CHECK(hfy_rate_circular_law(0.5, 0, 1e300, 1e-300, 1, &disc, &work) == HFY_ERR_NONFINITE);
  o.rtol = 1;
  REFUSED(hfy_rate_simulate(&one, w, 2, r, 1, &o, d, NULL, &work), "rtol is 1");
  REFUSED(hfy_rate_simulate(&one, w, 2, NULL, 1, NULL, d, NULL, &work), "start is NULL");
  REFUSED(hfy_rate_simulate(&one, w, 2, r, 1, NULL, NULL, NULL, &work), "end is NULL");
  REFUSED(hfy_rate_basin(&one, w, r, 2, NULL, NULL, d, &work), "rng is NULL");
  REFUSED(hfy_rate_basin(&one, w, r, 2, &rng, NULL, NULL, &work), "noise is NULL");
  basin.success = -1;
  REFUSED(hfy_rate_basin(&one, w, r, 2, &rng, &basin, d, &work), "success is -1");
  hfy_work_free(&work);
}

TEST(missing_theory) {
  hfy_real keys[6] = {1, 0, 0, 1, 1, 1}, other[6] = {2, 1, 1, 0, 0, 1}, bias[3] = {0, 0, (hfy_real)-HUGE_VAL}, far[2] = {0};
  double number, slack[2];
  size_t set[2] = {0, 2}, visible = 1;
  hfy_real couple[2] = {(hfy_real)0.1, (hfy_real)0.1};
  hfy_sep plus;
  hfy_structure structure = hfy_structure_at_most(3, 2);
  hfy_theory_separation all;
  hfy_theory_association association;
  hfy_theory_jacobian_norm norms;
  hfy_net net, good;
  int i;
  memset(&good, 0, sizeof good), memset(&all, 0, sizeof all), memset(&plus, 0, sizeof plus);
  good.dim = 2, good.count = 3, good.keys = keys, good.sep.kind = HFY_SEP_SPARSEMAX;
  REFUSED(hfy_theory_separate(&good, NULL, &work), "out is NULL");
  all.radius = out.d[0]; /* each alone asks for the margin */
  CHECK(hfy_theory_separate(&good, &all, &work) == HFY_OK);
  REFUSED(hfy_theory_bound_energy(&good, NULL, 1, slack, NULL, &work), "queries is NULL");
  far[0] = (hfy_real)REAL_MAX; /* its square is beyond double, if hfy_real is */
  i = (int)hfy_theory_bound_energy(&good, far, 1, slack, NULL, &work);
  CHECK(i == (sizeof(hfy_real) == 8 ? HFY_ERR_NONFINITE : HFY_OK));
  REFUSED(hfy_theory_associates(&good, NULL, 1, &association, &work), "patterns is NULL");
  REFUSED(hfy_theory_associates(&good, set, 1, NULL, &work), "association is NULL");
  for (i = 0; i < 9; i++) { /* what the theorem is not about */
    static const char *const words[] = {"bounds", "plus", "no structure", "sim", "values", "post", "self_coupling", "bias",
                                        "k is not whole"};
    net = good;
    if (i == 0) net.sep.upper = out.d[0], out.d[0][0] = out.d[0][1] = out.d[0][2] = 0.9;
    if (i == 1) net.sep.plus = &plus, plus.kind = HFY_SEP_SPARSEMAX;
    if (i == 2) net.sep.kind = HFY_SEP_SOFTMAX;
    if (i == 3) net.sim = HFY_SIM_EUCLIDEAN;
    if (i == 4) net.values = other;
    if (i == 5) net.post.kind = HFY_POST_SIGN;
    if (i == 6) net.self_coupling = couple;
    if (i == 7) net.bias = bias, net.bias_stride = 3;
    if (i == 8) net.sep.kind = HFY_SEP_KSUBSETS, net.sep.k = 1.5;
    CHECK_FAILS(hfy_theory_associates(&net, set, 1, &association, &work), HFY_ERR_UNSUPPORTED, &work, words[i]);
  }
  net = good, net.bias = bias;
  set[0] = 2;
  REFUSED(hfy_theory_associates(&net, set, 1, &association, &work), "masked");
  net.bias = NULL, net.visible = &visible;
  REFUSED(hfy_theory_associates(&net, set, 1, &association, &work), "masked");
  net.visible = NULL, net.sep.kind = HFY_SEP_SPARSEMAP, net.sep.structure = &structure;
  CHECK_FAILS(hfy_theory_associates(&net, set, 1, &association, &work), HFY_ERR_UNSUPPORTED, &work, "and more");
  net = good, net.sep.kind = HFY_SEP_SOFTMAX, net.dim = SIZE_MAX / 64;
  CHECK(hfy_theory_jacobian(&net, keys, &number, &norms, &work) == HFY_ERR_ARG);
  slack[0] = HUGE_VAL - HUGE_VAL;
  CHECK(some_nan((slack[1] = hfy_theory_lambert_exp(slack[0]), slack + 1), 1));
  CHECK(hfy_theory_lambert_exp(HUGE_VAL) > DBL_MAX);
  REFUSED(hfy_theory_metastable(z, 1, 2, 0, NULL, &work), "sizes is NULL");
  REFUSED(hfy_theory_classify(set, 1, 3, NULL, &number, &work), "operating is NULL");
  hfy_work_free(&work);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(missing_kernel);
  RUN(missing_rate);
  RUN(missing_theory);
  RUN(linalg);
  RUN(theory);
  RUN(net);
  RUN(recall);
  RUN(binary);
  RUN(kernel);
  RUN(rate);
  RUN(not_all_was_refused);
  return CHECK_END();
}
