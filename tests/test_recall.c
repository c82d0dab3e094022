/* test_recall.c: free and sequential recall: reference rows, plain versions of the algorithms, the stepper against the
   single call, masks, the clean end, scores, biases, every status. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"

enum { MAX_N = 64, MAX_D = 32 };

static hfy_work work;
static hfy_real keys[MAX_N * MAX_D];

static void uniforms(uint64_t seed, size_t n) {
  hfy_rng rng = hfy_rng_seed(seed);
  size_t i;
  for (i = 0; i < n; i++) keys[i] = (hfy_real)(2 * hfy_rng_uniform(&rng) - 1);
}

static hfy_net net_of(size_t count, size_t dim, double beta, double alpha) {
  hfy_net net;
  memset(&net, 0, sizeof net);
  net.dim = dim, net.count = count, net.keys = keys, net.beta = beta;
  net.sep.kind = HFY_SEP_ENTMAX, net.sep.alpha = alpha;
  return net;
}

static hfy_recall how_of(hfy_recall_kind kind, size_t steps) {
  hfy_recall how;
  memset(&how, 0, sizeof how);
  how.kind = kind, how.inner_steps = steps;
  return how;
}

static int is(const size_t *items, const size_t *want, size_t n) { return !memcmp(items, want, n * sizeof *items); }

/* --- reference rows --- */

TEST(rows_of_free_recall) {
  static const size_t bounded[12] = {0, 9, 11, 10, 5, 4, 8, 3, 7, 2, 1, 6};
  static const size_t penalised[3][12] = {{10, 5, 5, 5, 5, 5, 5, 5, 10, 5, 10, 5},
                                          {0, 9, 9, 4, 6, 9, 10, 9, 4, 8, 3, 2},
                                          {0, 9, 10, 5, 4, 2, 9, 3, 8, 6, 9, 7}};
  static const double unique[3] = {2.0 / 12, 8.0 / 12, 10.0 / 12};
  static const double alpha[3] = {1, 1.5, 2};
  hfy_net net = net_of(12, 20, 0.5, 1);
  hfy_recall how = how_of(HFY_RECALL_BOUNDED, 5);
  size_t items[16], made = 99, i;
  double ratio;
  uniforms(12, 240);
  CHECK(hfy_recall_all(&net, &how, keys, 0, items, &made, &work) == HFY_OK);
  CHECK(made == 12 && is(items, bounded, 12));
  CHECK(hfy_recall_unique(items, 12, 12, &ratio, &work) == HFY_OK && ratio >= 1);
  how.kind = HFY_RECALL_PENALISED, how.penalty = 1e4, how.decay = 0.01;
  for (i = 0; i < 3; i++) {
    net.sep.alpha = alpha[i];
    CHECK(hfy_recall_all(&net, &how, keys, 12, items, &made, &work) == HFY_OK);
    CHECK(made == 12 && is(items, penalised[i], 12));
    CHECK(hfy_recall_unique(items, 12, 12, &ratio, &work) == HFY_OK);
    CHECK_NEAR(ratio, unique[i], 1e-15);
  }
}

TEST(rows_of_sequential_recall) {
  static const size_t want[2][24] = {
    {1, 2, 22, 23, 22, 4, 3, 2, 22, 21, 22, 23, 22, 7, 6, 7, 19, 20, 10, 11, 16, 15, 16, 10},
    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 22}};
  static const size_t distance[2] = {22, 1};
  static const double unique[2] = {0.625, 23.0 / 24};
  hfy_net net = net_of(24, 30, 0.1, 2);
  hfy_recall how = how_of(HFY_RECALL_SEQUENTIAL, 20);
  size_t items[24], following[24], far, i;
  double ratio, coefficient;
  uniforms(13, 720);
  for (i = 0; i < 24; i++) following[i] = i + 1;
  how.penalty = 1e4, how.decay = 0.01, how.boost = 1.1, how.transition = 1e3, how.bare_cue = 1;
  for (i = 0; i < 2; i++) {
    how.rho = (double)(i + 1);
    CHECK(hfy_recall_all(&net, &how, keys, 0, items, NULL, &work) == HFY_OK);
    CHECK(is(items, want[i], 24));
    CHECK(hfy_recall_unique(items, 24, 24, &ratio, &work) == HFY_OK);
    CHECK_NEAR(ratio, unique[i], 1e-15);
    CHECK(hfy_recall_levenshtein(items, 24, following, 24, &far, &coefficient, &work) == HFY_OK);
    CHECK_EQ(far, distance[i]);
    CHECK_NEAR(coefficient, 1 - (double)distance[i] / 24, 1e-15);
  }
  how.rho = 0, how.inner_beta = 1, how.boost = 0; /* the defaults are those of the first row */
  CHECK(hfy_recall_all(&net, &how, keys, 0, items, NULL, &work) == HFY_OK && is(items, want[0], 24));
  how.inner_beta = 0.01; /* and each of these matters */
  CHECK(hfy_recall_all(&net, &how, keys, 0, items, NULL, &work) == HFY_OK && !is(items, want[0], 24));
  how.inner_beta = 0, how.boost = 3;
  CHECK(hfy_recall_all(&net, &how, keys, 0, items, NULL, &work) == HFY_OK && !is(items, want[0], 24));
}

/* The cue counts as recalled: rows of an independent program (12 patterns in 14 dimensions; noise of another seed). */
TEST(rows_from_a_cue) {
  static const struct row {
    unsigned seed, cue, steps;
    double value[9]; /* alpha, noise, inner_beta, penalty, decay, boost, transition, rho, beta */
    size_t want[11];
  } rows[] = {
    {101, 3, 1, {2, 0.25, 2, 300, 0.01, 1.9, 10, 1, 0.5},
     {4, 2, 1, 2, 2, 2, 3, 2, 3, 2, 3}},
    {104, 8, 3, {2, 0.25, 1, 3000, 0.01, 1, 1, 0.5, 0.5},
     {0, 1, 5, 6, 11, 10, 9, 2, 3, 4, 1}},
    {105, 3, 3, {1, 0.25, 2, 3000, 0.5, 1, 10, 1, 0.1},
     {8, 11, 0, 5, 4, 7, 6, 2, 8, 2, 7}},
    {107, 1, 3, {2, 0.25, 2, 300, 0.5, 1.5, 1, 2, 0.5},
     {11, 10, 4, 6, 5, 0, 1, 7, 4, 6, 5}},
    {108, 0, 1, {1, 0.25, 2, 300, 0.01, 1, 1, 1, 0.5},
     {1, 2, 1, 10, 9, 10, 4, 5, 4, 7, 8}},
    {109, 6, 3, {1.5, 0.25, 0.5, 3000, 0.1, 1.9, 1, 0.5, 0.1},
     {7, 8, 9, 9, 10, 9, 8, 1, 1, 2, 1}},
    {110, 7, 1, {2, 0.25, 1, 300, 0.01, 1.5, 1000, 1, 0.1},
     {4, 7, 8, 7, 1, 7, 4, 7, 4, 3, 4}},
    {113, 3, 3, {2, 0, 2, 30, 0.5, 1, 10, 1, 0.5},
     {8, 7, 6, 5, 8, 9, 2, 1, 0, 2, 3}},
    {115, 7, 1, {1.5, 0.25, 0.5, 300, 0.01, 1.5, 10, 2, 0.1},
     {0, 1, 0, 1, 0, 1, 4, 1, 4, 1, 4}},
    {118, 4, 3, {1.5, 0.25, 1, 3000, 0.1, 1.1, 1000, 0.5, 0.5},
     {11, 10, 9, 8, 7, 1, 2, 6, 11, 10, 3}},
    {119, 5, 20, {2, 0.25, 1, 3000, 0.1, 1.9, 10, 0.5, 0.1},
     {10, 11, 10, 9, 0, 1, 0, 1, 2, 3, 2}},
    {123, 0, 1, {1, 0.25, 1, 30, 0.5, 1, 1, 0.5, 0.1},
     {1, 10, 11, 9, 2, 1, 4, 4, 9, 8, 4}},
    {125, 5, 1, {2, 0.25, 0.5, 300, 0.01, 1.1, 1000, 0.5, 0.5},
     {8, 9, 10, 11, 10, 2, 2, 2, 1, 1, 8}},
    {128, 8, 1, {2, 0.25, 2, 300, 0.5, 1.1, 1, 1, 0.1},
     {9, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9}},
    {130, 8, 20, {1.5, 0, 1, 30, 0.5, 1.1, 10, 1, 0.5},
     {7, 6, 5, 4, 3, 10, 9, 6, 7, 6, 5}},
    {131, 5, 1, {2, 0.25, 0.5, 300, 0.1, 1.5, 1000, 0.5, 0.1},
     {6, 7, 8, 9, 10, 1, 1, 6, 5, 6, 5}},
    {133, 6, 3, {1.5, 0.25, 0.5, 300, 0.01, 1.1, 1000, 1, 0.5},
     {7, 2, 3, 2, 1, 0, 1, 8, 7, 6, 2}},
    {139, 5, 20, {1.5, 0, 2, 300, 0.1, 1, 10, 0.5, 0.5},
     {6, 7, 8, 9, 0, 3, 4, 10, 9, 8, 0}},
    {144, 3, 1, {1, 0.25, 0.5, 30, 0.5, 1.1, 1, 0.5, 0.1},
     {11, 7, 4, 11, 3, 1, 7, 11, 3, 10, 8}},
    {151, 8, 3, {1.5, 0, 2, 300, 0.5, 1.5, 1, 2, 0.5},
     {9, 10, 3, 0, 6, 7, 6, 5, 2, 10, 11}},
    {158, 5, 20, {2, 0.25, 0.5, 3000, 0.1, 1.5, 1, 1, 0.5},
     {2, 1, 2, 4, 4, 0, 0, 4, 7, 0, 2}},
    {163, 5, 1, {1.5, 0.25, 0.5, 30, 0.01, 1.5, 10, 2, 0.1},
     {2, 8, 9, 8, 9, 8, 9, 8, 9, 8, 9}},
    {171, 9, 20, {1, 0, 2, 3000, 0.1, 1.5, 10, 0.5, 0.5},
     {6, 5, 6, 7, 1, 2, 3, 4, 11, 6, 0}},
    {176, 2, 20, {2, 0.25, 1, 30, 0.5, 1.9, 1000, 2, 0.1},
     {3, 7, 8, 9, 5, 7, 8, 9, 5, 7, 8}},
};
  size_t r, d;
  for (r = 0; r < sizeof rows / sizeof *rows; r++) {
    const double *v = rows[r].value;
    hfy_net net = net_of(12, 14, v[8], v[0]);
    hfy_recall how = how_of(HFY_RECALL_SEQUENTIAL, rows[r].steps);
    hfy_rng rng = hfy_rng_seed(5000 + rows[r].seed);
    hfy_real cue[14];
    size_t items[11];
    uniforms(rows[r].seed, 12 * 14);
    for (d = 0; d < 14; d++)
      cue[d] = (hfy_real)((double)keys[rows[r].cue * 14 + d] + v[1] * hfy_rng_normal(&rng));
    how.inner_beta = v[2], how.penalty = v[3], how.decay = v[4], how.boost = v[5], how.transition = v[6];
    how.rho = v[7];
    CHECK(hfy_recall_all(&net, &how, cue, 11, items, NULL, &work) == HFY_OK && is(items, rows[r].want, 11));
    how.bare_cue = 1;
    CHECK(hfy_recall_all(&net, &how, cue, 11, items, NULL, &work) == HFY_OK && !is(items, rows[r].want, 11));
  }
}

/* by its definition: the fewest of what may happen to the first elements */
static size_t edits(const size_t *a, size_t n, const size_t *b, size_t m) {
  size_t both, drop, add;
  if (!n || !m) return n + m;
  both = edits(a + 1, n - 1, b + 1, m - 1) + (a[0] != b[0]);
  drop = edits(a + 1, n - 1, b, m) + 1;
  add = edits(a, n, b + 1, m - 1) + 1;
  return both < drop ? (both < add ? both : add) : drop < add ? drop : add;
}

TEST(levenshtein_by_its_definition) {
  hfy_rng rng = hfy_rng_seed(77);
  size_t a[6], b[6], n, m, i, far;
  int tried;
  for (tried = 0; tried < 300; tried++) {
    n = 1 + (size_t)(hfy_rng_u64(&rng) % 6), m = (size_t)(hfy_rng_u64(&rng) % 7);
    for (i = 0; i < n; i++) a[i] = (size_t)(hfy_rng_u64(&rng) % 4);
    for (i = 0; i < m; i++) b[i] = (size_t)(hfy_rng_u64(&rng) % 4);
    CHECK(hfy_recall_levenshtein(a, n, b, m, &far, NULL, &work) == HFY_OK && far == edits(a, n, b, m));
  }
}

TEST(levenshtein) {
  static const size_t a[4] = {1, 2, 3, 4}, b[3] = {2, 3, 5}, none[1] = {0};
  static const size_t kitten[6] = {10, 8, 19, 19, 4, 13}, sitting[7] = {18, 8, 19, 19, 8, 13, 6};
  size_t far;
  double coefficient;
  CHECK(hfy_recall_levenshtein(a, 4, b, 3, &far, &coefficient, &work) == HFY_OK);
  CHECK_EQ(far, 2);
  CHECK_EQ(coefficient, 0.5);
  CHECK(hfy_recall_levenshtein(b, 3, a, 4, &far, NULL, &work) == HFY_OK && far == 2);
  CHECK(hfy_recall_levenshtein(kitten, 6, sitting, 7, &far, NULL, &work) == HFY_OK && far == 3);
  CHECK(hfy_recall_levenshtein(a, 4, none, 0, &far, &coefficient, &work) == HFY_OK && far == 4);
  CHECK_EQ(coefficient, 0);
  CHECK(hfy_recall_levenshtein(a, 4, a, 4, &far, &coefficient, NULL) == HFY_OK && far == 0);
  CHECK_EQ(coefficient, 1);
  CHECK_FAILS(hfy_recall_levenshtein(a, 0, b, 3, &far, NULL, &work), HFY_ERR_ARG, &work, "count is 0");
  CHECK_FAILS(hfy_recall_levenshtein(NULL, 4, b, 3, &far, NULL, &work), HFY_ERR_ARG, &work, "items is NULL");
  CHECK_FAILS(hfy_recall_levenshtein(a, 4, NULL, 3, &far, NULL, &work), HFY_ERR_ARG, &work, "reference is NULL");
  CHECK_FAILS(hfy_recall_levenshtein(a, 4, b, SIZE_MAX / 2, &far, NULL, &work), HFY_ERR_NOMEM, &work, "");
}

TEST(unique_ratio) {
  const size_t items[6] = {3, 1, 3, SIZE_MAX, 0, 1};
  double ratio = -1;
  CHECK(hfy_recall_unique(items, 6, 4, &ratio, &work) == HFY_OK);
  CHECK_EQ(ratio, 0.75);
  CHECK(hfy_recall_unique(NULL, 0, 4, &ratio, &work) == HFY_OK);
  CHECK_EQ(ratio, 0);
  CHECK_FAILS(hfy_recall_unique(items, 6, 3, &ratio, &work), HFY_ERR_ARG, &work, "entry 0 is 3");
  CHECK_FAILS(hfy_recall_unique(items, 6, 0, &ratio, &work), HFY_ERR_ARG, &work, "n is 0");
  CHECK_FAILS(hfy_recall_unique(NULL, 6, 4, &ratio, &work), HFY_ERR_ARG, &work, "items is NULL");
  CHECK_FAILS(hfy_recall_unique(items, 6, 4, NULL, &work), HFY_ERR_ARG, &work, "ratio is NULL");
}

/* Causal mask and forgetting in the net: MHN A443. */
TEST(row_causal_with_forgetting) {
  static const double p[4] = {0.490649292533549, 0.483747860281172, 0.00143537502481754, 0.0241674721604617};
  static const double q1[3] = {0.402132583786235, -0.611598830381377, -1.76409326516094};
  const double tol = REAL_EPS > 1e-10 ? 2e-6 : 1e-12;
  hfy_rng rng = hfy_rng_seed(1);
  hfy_net net = net_of(5, 3, 1.3, 1);
  hfy_report report;
  hfy_real q0[3], out[3], bias[5], weights[5];
  double energy, largest = 0;
  size_t i, d;
  for (i = 0; i < 15; i++) keys[i] = (hfy_real)hfy_rng_normal(&rng);
  for (i = 0; i < 3; i++) q0[i] = (hfy_real)hfy_rng_normal(&rng);
  CHECK(hfy_recall_bias(0.25, 4, 1, 5, bias, &work) == HFY_OK);
  net.bias = bias;
  memset(&report, 0, sizeof report);
  report.weights = weights;
  CHECK(hfy_retrieve(&net, q0, 1, out, &report, &work) == HFY_OK);
  for (i = 0; i < 4; i++) CHECK_NEAR(weights[i], p[i], tol);
  CHECK_EQ(weights[4], 0);
  for (d = 0; d < 3; d++) CHECK_NEAR(out[d], q1[d], tol);
  CHECK(hfy_energy(&net, q0, 1, &energy, &work) == HFY_OK);
  for (i = 0; i < 4; i++) {
    double square = 0;
    for (d = 0; d < 3; d++) square += (double)keys[i * 3 + d] * (double)keys[i * 3 + d];
    if (square > largest) largest = square;
  }
  CHECK_NEAR(energy + log(4.0) / 1.3 + largest / 2, 3.99819055082412, 4 * tol);
}

TEST(biases) {
  hfy_real bias[5 * 4];
  size_t i, j;
  CHECK(hfy_recall_bias(0.5, 2, 5, 4, bias, &work) == HFY_OK);
  for (j = 0; j < 5; j++) {
    size_t seen = j + 2 < 4 ? j + 2 : 4;
    for (i = 0; i < 4; i++) {
      if (i < seen)
        CHECK_EQ(bias[j * 4 + i], -0.5 * (double)(seen - 1 - i));
      else
        CHECK((double)bias[j * 4 + i] < -REAL_MAX);
    }
  }
  CHECK(hfy_recall_bias(0, 1, 4, 4, bias, NULL) == HFY_OK);
  CHECK(!signbit((double)bias[0]) && bias[0] <= 0 && (double)bias[1] < -REAL_MAX && bias[15] >= 0);
  CHECK(hfy_recall_bias(1, 1, 0, 4, NULL, NULL) == HFY_OK);
  CHECK(hfy_recall_bias(REAL_MAX / 1.5, 3, 1, 4, bias, NULL) == HFY_OK); /* far back is not masked */
  CHECK_EQ(bias[0], -REAL_MAX);
  CHECK_EQ(bias[1], (hfy_real)(-REAL_MAX / 1.5));
  CHECK(bias[2] >= 0 && (double)bias[3] < -REAL_MAX);
  CHECK(hfy_recall_bias(DBL_MAX, 4, 1, 4, bias, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_EQ(bias[i], -REAL_MAX);
  bias[0] = 9;
  CHECK_FAILS(hfy_recall_bias(-1, 1, 1, 4, bias, &work), HFY_ERR_ARG, &work, "forget is -1");
  CHECK_FAILS(hfy_recall_bias((double)not_a_number(), 1, 1, 4, bias, &work), HFY_ERR_ARG, &work, "forget is nan");
  CHECK_FAILS(hfy_recall_bias(0, 0, 1, 4, bias, &work), HFY_ERR_ARG, &work, "first is 0");
  CHECK_FAILS(hfy_recall_bias(0, 5, 1, 4, bias, &work), HFY_ERR_ARG, &work, "first is 5");
  CHECK_FAILS(hfy_recall_bias(0, 1, 1, 4, NULL, &work), HFY_ERR_ARG, &work, "bias is NULL");
  CHECK_FAILS(hfy_recall_bias(0, 1, SIZE_MAX / 2, 4, bias, &work), HFY_ERR_ARG, &work, "rows");
  CHECK_EQ(bias[0], 9);
}

/* --- the algorithms once more, as they are printed, in plain double --- */

static void plain_scores(size_t n, size_t dim, double beta, const double *q, double *theta) {
  size_t i, d;
  for (i = 0; i < n; i++)
    for (d = 0, theta[i] = 0; d < dim; d++) theta[i] += beta * (double)keys[i * dim + d] * q[d];
}

/* constrained sparsemax by bisection */
static void plain_bounded(size_t n, const double *theta, const double *u, double *p) {
  double low = -1e6, high = 1e6, sum;
  size_t i, step;
  for (step = 0; step < 200; step++) {
    double tau = (low + high) / 2;
    for (i = 0, sum = 0; i < n; i++) {
      p[i] = theta[i] - tau;
      p[i] = p[i] < 0 ? 0 : p[i] > u[i] ? u[i] : p[i];
      sum += p[i];
    }
    if (sum > 1)
      low = tau;
    else
      high = tau;
  }
}

static void plain_softmax(size_t n, const double *theta, double *p) {
  double top = theta[0], sum = 0;
  size_t i;
  for (i = 1; i < n; i++)
    if (theta[i] > top) top = theta[i];
  for (i = 0; i < n; i++) sum += p[i] = exp(theta[i] - top);
  for (i = 0; i < n; i++) p[i] /= sum;
}

static void plain_project(size_t n, size_t dim, const double *p, double *q) {
  size_t i, d;
  for (d = 0; d < dim; d++)
    for (i = 0, q[d] = 0; i < n; i++) q[d] += p[i] * (double)keys[i * dim + d];
}

TEST(free_recall_as_printed) {
  size_t seed, i, t, d, total = 0, same = 0;
  for (seed = 0; seed < 12; seed++) {
    const size_t n = 5 + seed, dim = 10 + seed % 5, T = 4;
    const double beta = 0.6, lambda = 300, tau = 0.05;
    double q[MAX_D], u[MAX_N], a[MAX_N], p[MAX_N], theta[MAX_N];
    size_t items[MAX_N], want[MAX_N], kind;
    for (kind = 0; kind < 2; kind++) {
      hfy_net net = net_of(n, dim, beta, 1);
      hfy_recall how = how_of(kind ? HFY_RECALL_PENALISED : HFY_RECALL_BOUNDED, T);
      uniforms(1000 + seed, n * dim);
      how.penalty = lambda, how.decay = tau;
      for (d = 0; d < dim; d++) q[d] = (double)keys[d];
      for (i = 0; i < n; i++) u[i] = 1, a[i] = 0;
      for (i = 0; i < n; i++) {
        size_t j;
        if (kind) {
          plain_scores(n, dim, beta, q, theta);
          for (j = 0; j < n; j++) theta[j] -= beta * lambda * a[j];
          plain_softmax(n, theta, p);
          for (j = 0; j < n; j++) a[j] = tau * p[j] + (1 - tau) * a[j];
          plain_project(n, dim, p, q);
        }
        for (t = 0; t < T; t++) {
          plain_scores(n, dim, beta, q, theta);
          if (kind)
            plain_softmax(n, theta, p);
          else
            plain_bounded(n, theta, u, p);
          plain_project(n, dim, p, q);
        }
        for (j = 0; !kind && j < n; j++) u[j] = u[j] > p[j] ? u[j] - p[j] : 0;
        for (j = 1, want[i] = 0; j < n; j++)
          if (p[j] > p[want[i]] + 1e-9) want[i] = j;
      }
      CHECK(hfy_recall_all(&net, &how, keys, 0, items, NULL, &work) == HFY_OK);
      for (i = 0; i < n; i++) same += items[i] == want[i], total++;
    }
  }
  CHECK(same + (REAL_EPS > 1e-10 ? total / 50 : 0) >= total); /* float: a near tie may fall the other way */
}

/* --- the stepper --- */

TEST(step_by_step_is_the_same) {
  hfy_recall_kind kind;
  for (kind = HFY_RECALL_BOUNDED; kind <= HFY_RECALL_SEQUENTIAL; kind = (hfy_recall_kind)(kind + 1)) {
    hfy_net net = net_of(16, 24, 0.3, 2);
    hfy_recall how = how_of(kind, 7);
    hfy_recall_state state, fork;
    double left[16], left2[16];
    hfy_real query[24], query2[24], weights[16], weights2[16];
    size_t items[16], item, i;
    uniforms(77, 16 * 24);
    memset(&state, 0, sizeof state);
    state.left = left, state.query = query, state.weights = weights;
    CHECK(hfy_recall_all(&net, &how, keys + 24, 0, items, NULL, &work) == HFY_OK);
    memcpy(query, keys + 24, sizeof query);
    CHECK(hfy_recall_begin(&net, &how, query, &state, &work) == HFY_OK); /* the cue may be the state itself */
    for (i = 0; i < 16; i++) {
      double sum = 0;
      size_t j;
      if (i == 9) { /* branch off */
        fork = state, fork.left = left2, fork.query = query2, fork.weights = weights2;
        memcpy(left2, left, sizeof left), memcpy(query2, query, sizeof query);
      }
      CHECK(hfy_recall_next(&net, &how, &state, &item, NULL) == HFY_OK);
      CHECK(item == items[i] && state.recalled == i + 1 && !state.exhausted);
      for (j = 0; j < 16; j++) sum += (double)weights[j];
      CHECK_NEAR(sum, 1, 1e-5);
      for (j = 0; j < 16; j++) CHECK(weights[j] <= weights[item]);
    }
    for (i = 9; i < 16; i++) {
      CHECK(hfy_recall_next(&net, &how, &fork, &item, &work) == HFY_OK);
      CHECK(item == items[i]);
    }
    CHECK(!memcmp(query, query2, sizeof query) && !memcmp(left, left2, sizeof left));
  }
}

TEST(it_ends_when_all_is_taken) {
  size_t seed;
  for (seed = 0; seed < 10; seed++) {
    const size_t n = 3 + seed * 5;
    hfy_net net = net_of(n, 12, 0.05 + 0.1 * (double)seed, 0);
    hfy_recall how = how_of(HFY_RECALL_BOUNDED, 0);
    hfy_recall_state state;
    double left[MAX_N];
    hfy_real query[12], weights[MAX_N], before[12];
    size_t items[MAX_N + 3], made = 0, item = 5, i;
    uniforms(seed, n * 12);
    CHECK(hfy_recall_all(&net, &how, keys, n + 3, items, &made, &work) == HFY_OK);
    CHECK(made == n && work.message[0] == 0);
    for (i = 0; i < n; i++) CHECK(items[i] < n);
    for (; i < n + 3; i++) CHECK(items[i] == SIZE_MAX);
    memset(&state, 0, sizeof state);
    state.left = left, state.query = query, state.weights = weights;
    CHECK(hfy_recall_begin(&net, &how, keys, &state, &work) == HFY_OK);
    for (i = 0; i < n; i++) {
      double sum = 0;
      size_t j;
      CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_OK && item < n && !state.exhausted);
      for (j = 0; j < n; j++) {
        CHECK(left[j] >= 0 && left[j] <= 1 + 1e-6);
        sum += left[j];
      }
      CHECK_NEAR(sum, (double)(n - i - 1), 1e-5);
    }
    memcpy(before, query, sizeof query);
    for (i = 0; i < 2; i++) {
      CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_OK);
      CHECK(item == SIZE_MAX && state.exhausted && state.recalled == n && !memcmp(before, query, sizeof query));
    }
  }
}

TEST(masked_patterns_are_never_recalled) {
  hfy_recall_kind kind;
  for (kind = HFY_RECALL_BOUNDED; kind <= HFY_RECALL_SEQUENTIAL; kind = (hfy_recall_kind)(kind + 1)) {
    hfy_net net = net_of(12, 16, 0.4, 1.5);
    hfy_recall how = how_of(kind, 5);
    hfy_real bias[12] = {0};
    size_t items[12], made, visible = 10, i;
    uniforms(5, 12 * 16);
    bias[2] = bias[7] = -(hfy_real)HUGE_VAL;
    net.bias = bias, net.visible = &visible;
    CHECK(hfy_recall_all(&net, &how, keys, 0, items, &made, &work) == HFY_OK);
    CHECK_EQ(made, kind == HFY_RECALL_BOUNDED ? 8 : 12);
    for (i = 0; i < made; i++) CHECK(items[i] != 2 && items[i] != 7 && items[i] < 10);
    visible = 1; /* one is left */
    if (kind == HFY_RECALL_SEQUENTIAL) {
      CHECK_FAILS(hfy_recall_all(&net, &how, keys, 0, items, &made, &work), HFY_ERR_ARG, &work, "2 at a time");
    } else {
      CHECK(hfy_recall_all(&net, &how, keys, 2, items, &made, &work) == HFY_OK && items[0] == 0);
    }
    visible = 0;
    CHECK(hfy_recall_all(&net, &how, keys, 2, items, &made, &work) == HFY_ERR_ARG);
  }
}

/* Weight without a score: a lower bound under a mask, and a structure that may leave all weights 0. */
TEST(masked_patterns_with_weight) {
  hfy_structure two = hfy_structure_at_most(6, 2);
  size_t seed, items[6], made, visible = 5, i;
  for (seed = 0; seed < 8; seed++) {
    hfy_net net = net_of(6, 8, 1, 2);
    hfy_recall how = how_of(HFY_RECALL_PENALISED, 2);
    double lower[6] = {0};
    hfy_real bias[6];
    uniforms(seed, 48);
    for (i = 0; i < 6; i++) bias[i] = (hfy_real)(seed % 2 ? -100 : 0);
    bias[0] = -(hfy_real)HUGE_VAL, lower[seed % 4 ? 0 : 5] = 0.6;
    net.bias = bias, net.visible = &visible;
    net.sep.lower = lower;
    if (seed % 2) net.sep.kind = HFY_SEP_SPARSEMAP, net.sep.structure = &two, net.sep.lower = NULL;
    CHECK(hfy_recall_all(&net, &how, keys, 6, items, &made, &work) == HFY_OK && made == 6);
    for (i = 0; i < made; i++) CHECK(items[i] > 0 && items[i] < 5);
  }
}

/* Penalties that leave hfy_real, or double but for what has none, mask nothing. */
TEST(penalties_of_any_size) {
  static const double penalty[] = {1e30, 1e50, 1e300, DBL_MAX};
  size_t items[6], made, i, j, ksubsets;
  for (i = 0; i < COUNT(penalty); i++)
    for (ksubsets = 0; ksubsets < 2; ksubsets++) {
      hfy_net net = net_of(6, 8, 2, 1);
      hfy_recall how = how_of(HFY_RECALL_PENALISED, 2);
      hfy_rng rng = hfy_rng_seed(3);
      for (j = 0; j < 48; j++) keys[j] = (hfy_real)hfy_rng_sign(&rng);
      if (ksubsets) net.sep.kind = HFY_SEP_KSUBSETS, net.sep.k = 3;
      how.penalty = penalty[i];
      CHECK(hfy_recall_all(&net, &how, keys, 6, items, &made, &work) == HFY_OK && made == 6);
      for (j = 1; j < 4 && !ksubsets; j++) CHECK(items[j] != items[0] && items[j] != items[j - 1]);
    }
}

/* What a cue leaves: p and the query after T inner steps, a = tau (p_i + p_i+1 - omega p_i); nothing with bare_cue. */
TEST(what_a_cue_leaves) {
  const double tol = REAL_EPS > 1e-10 ? 2e-5 : 1e-12;
  size_t seed;
  for (seed = 0; seed < 40; seed++) {
    const size_t n = 2 + seed % 9, dim = 3 + seed % 5, T = 1 + seed % 4;
    hfy_net net = net_of(n, dim, 3, 1);
    hfy_recall how = how_of(HFY_RECALL_SEQUENTIAL, T);
    hfy_rng rng = hfy_rng_seed(seed);
    hfy_recall_state state;
    double left[12], theta[12], p[12] = {0}, q[8];
    hfy_real cue[8], query[8], weights[12], bias[12] = {0};
    size_t visible = seed % 3 ? n : (n + 2) / 2, masked = seed % 4 ? n : seed % visible, i, d, t, kind;
    uniforms(300 + seed, n * dim);
    if (visible - (masked < visible) < 2) visible = n, masked = n;
    if (masked < n) bias[masked] = -(hfy_real)HUGE_VAL;
    net.bias = bias, net.visible = &visible;
    how.inner_beta = 0.5 + hfy_rng_uniform(&rng);
    how.decay = seed % 7 ? pow(10, -6 * hfy_rng_uniform(&rng)) : 1;
    how.boost = seed % 5 ? 1 + 3 * hfy_rng_uniform(&rng) : 1;
    memset(&state, 0, sizeof state);
    state.left = left, state.query = query, state.weights = weights;
    for (d = 0; d < dim; d++) cue[d] = (hfy_real)hfy_rng_normal(&rng), q[d] = (double)cue[d];
    for (t = 0; t < T; t++) {
      plain_scores(n, dim, how.inner_beta, q, theta);
      for (i = 0; i < n; i++)
        if (i >= visible || i == masked) theta[i] = -1e9;
      plain_softmax(n, theta, p);
      plain_project(n, dim, p, q);
    }
    memcpy(query, cue, sizeof cue);
    state.recalled = 9, state.exhausted = 9;
    CHECK(hfy_recall_begin(&net, &how, query, &state, &work) == HFY_OK && !state.recalled && !state.exhausted);
    for (i = 0; i < n; i++) {
      CHECK_NEAR(weights[i], p[i], tol);
      CHECK_NEAR(left[i] / how.decay, (i + 1 < n ? p[i + 1] : 0) - (how.boost - 1) * p[i], 5 * tol);
    }
    for (d = 0; d < dim; d++) CHECK_NEAR(query[d], q[d], tol);
    for (kind = HFY_RECALL_BOUNDED; kind <= HFY_RECALL_SEQUENTIAL; kind++) {
      how.kind = (hfy_recall_kind)kind, how.bare_cue = kind == HFY_RECALL_SEQUENTIAL;
      CHECK(hfy_recall_begin(&net, &how, cue, &state, &work) == HFY_OK);
      for (i = 0; i < n; i++) {
        CHECK_EQ(left[i], kind == HFY_RECALL_BOUNDED);
        CHECK_EQ(weights[i], 0);
      }
      CHECK(!memcmp(query, cue, dim * sizeof *cue));
    }
  }
}

/* The margin by which SparseMAP's answer is the pair y = (i, i+1) alone: the least, over all other pairs y' that are
   not masked, of scores.(y - y') - rho |y - y'|^2 / 2; the scores are beta (s - penalty a), and t for neighbours. */
static double plain_margin(const hfy_recall *how, double beta, size_t n, const double *s, const double *a,
                           const unsigned char *there, size_t i) {
  double least = HUGE_VAL;
  size_t j, k;
  for (j = 0; j < n; j++)
    for (k = j + 1; k < n; k++) {
      size_t common = (size_t)(j == i || j == i + 1) + (size_t)(k == i || k == i + 1);
      double margin = k == j + 1 ? 0 : how->transition;
      if (!there[j] || !there[k] || common == 2) continue;
      margin += beta * ((s[i] + s[i + 1] - s[j] - s[k]) + how->penalty * ((a[j] - a[i]) + (a[k] - a[i + 1])));
      margin -= how->rho * (double)(2 - common);
      if (margin < least) least = margin;
    }
  return least;
}

/* Wherever the pair of an item and the next has the margin at every step, and every pattern is its own attractor, the
   sequence comes in order: from every cue, clean or noisy, to the last pattern that is not masked; settings from
   everywhere in their ranges. Elsewhere recall still ends, with items that exist. */
TEST(in_order_wherever_the_pairs_have_the_margin) {
  size_t trial, inside = 0, outside = 0, late = 0, kept = 0;
  for (trial = 0; trial < 600; trial++) {
    hfy_rng rng = hfy_rng_seed(trial);
    const size_t n = 2 + (size_t)(14 * hfy_rng_uniform(&rng)), dim = MAX_D;
    const double alphas[3] = {1, 1.5, 2}, beta = pow(10, -3 + 5 * hfy_rng_uniform(&rng));
    hfy_net net = net_of(n, dim, beta, alphas[trial % 3]);
    hfy_recall how = how_of(HFY_RECALL_SEQUENTIAL, trial % 5);
    double a[16] = {0}, s[17 * 16], least = HUGE_VAL, gap = HUGE_VAL, largest = 0;
    unsigned char there[16];
    hfy_real cue[MAX_D], bias[16] = {0};
    size_t items[16], visible = n, end, first, made, i, j, d, right = 0;
    for (i = 0; i < n * dim; i++) keys[i] = (hfy_real)(hfy_rng_sign(&rng) * (1 + hfy_rng_uniform(&rng)));
    how.inner_beta = 2 + 3 * hfy_rng_uniform(&rng);
    how.rho = trial % 4 ? pow(10, -3 + 6 * hfy_rng_uniform(&rng)) : 1 + (double)(trial / 4 % 2);
    how.boost = trial % 3 ? 1 + pow(10, -8 * hfy_rng_uniform(&rng)) : 1 + 2 * hfy_rng_uniform(&rng);
    how.decay = trial % 10 ? pow(10, -12 * hfy_rng_uniform(&rng)) : 1;
    how.penalty = pow(10, -2 + (trial % 8 ? 32 : 290) * hfy_rng_uniform(&rng));
    how.transition = trial % 2 ? pow(10, 300 * hfy_rng_uniform(&rng)) : pow(10, 10 * hfy_rng_uniform(&rng));
    if (n > 5 && trial % 7 == 0) visible = n - 1;
    end = visible; /* items come up to end - 1 */
    if (n > 5 && trial % 6 == 0) end = 3 + (size_t)((double)(visible - 3) * hfy_rng_uniform(&rng));
    if (end < visible) bias[end] = -(hfy_real)HUGE_VAL;
    for (i = 0; i < n; i++) there[i] = i < visible && !(end < visible && i == end);
    net.bias = bias, net.visible = &visible;
    first = (size_t)((double)(end - 1) * hfy_rng_uniform(&rng));
    for (d = 0; d < dim; d++)
      cue[d] = keys[first * dim + d] + (hfy_real)(trial % 3 == 1 ? 0.2 * hfy_rng_normal(&rng) : 0);
    for (i = 0; i <= n; i++) { /* row n: the cue */
      const hfy_real *from = i < n ? keys + i * dim : cue;
      for (j = 0; j < n; j++)
        for (d = 0, s[i * 16 + j] = 0; d < dim; d++)
          s[i * 16 + j] += (double)from[d] * (double)keys[j * dim + d];
      for (j = 0; j < n; j++)
        if (j != (i < n ? i : first)) gap = fmin(gap, s[i * 16 + (i < n ? i : first)] - s[i * 16 + j]);
    }
    if (!(gap * how.inner_beta > (trial % 3 ? 2.1 : 40))) continue; /* a pattern that is not its own attractor */
    kept++;
    a[first] = -(how.boost - 1) * how.decay;
    if (first) a[first - 1] = how.decay;
    for (i = first; i + 1 < end; i++) {
      double margin = plain_margin(&how, beta, n, s + i * 16, a, there, i);
      if (margin < least) least = margin;
      for (j = 0; j < n; j++) {
        double taken = (double)(j == i || j == i + 1) - how.boost * (double)(j == i + 1);
        if (fabs(a[j]) > largest) largest = fabs(a[j]);
        a[j] = how.decay * taken + (1 - how.decay) * a[j];
      }
    }
    largest = beta * how.penalty * largest + beta * 200;
    made = end - 1 - first;
    CHECK(hfy_recall_all(&net, &how, cue, made, items, NULL, &work) == HFY_OK);
    for (i = 0; i < made; i++) {
      CHECK(items[i] < n && there[items[i]]);
      right += items[i] == first + 1 + i;
    }
    if (least > 1e-4 * beta + 1e-12 * largest) {
      CHECK_EQ(right, made);
      inside++, late += first > 0;
    } else if (least < 0) {
      outside += right < made;
    }
  }
  CHECK(kept > 500 && inside > 100 && late > 50 && outside > 50);
}

/* Where a bare cue fails at the first item: the best pair of neighbours does not hold it. */
TEST(a_bare_cue_may_start_anywhere) {
  static const hfy_real memory[6 * 4] = {4, 0,  0, 1, 0, 4, 0, 1, 3,  3, 6, 1, 3, -3, 6, 1, 0, 0, 5, 6, -9, 0, 1, 1};
  size_t rho, alpha, i, items[5];
  memcpy(keys, memory, sizeof memory);
  for (rho = 1; rho < 3; rho++)
    for (alpha = 1; alpha < 3; alpha++) {
      hfy_net net = net_of(6, 4, 1, (double)alpha);
      hfy_recall how = how_of(HFY_RECALL_SEQUENTIAL, 0);
      how.rho = (double)rho, how.inner_beta = 20;
      CHECK(hfy_recall_all(&net, &how, keys, 5, items, NULL, &work) == HFY_OK);
      for (i = 0; i < 5; i++) CHECK_EQ(items[i], i + 1);
      CHECK(hfy_recall_all(&net, &how, keys + 8, 3, items, NULL, &work) == HFY_OK);
      for (i = 0; i < 3; i++) CHECK_EQ(items[i], i + 3); /* forwards, from the middle */
      how.bare_cue = 1;
      CHECK(hfy_recall_all(&net, &how, keys, 1, items, NULL, &work) == HFY_OK && items[0] != 1);
    }
}

/* The other ends of the manual's conditions: omega of 2 and more leads back, and a pattern that loses against a longer
   one near it is never come to, unless the similarity is one of distances. */
TEST(where_the_order_ends) {
  hfy_net net = net_of(20, 32, 1, 2);
  hfy_recall how = how_of(HFY_RECALL_SEQUENTIAL, 0);
  hfy_rng rng = hfy_rng_seed(8);
  size_t items[19], i;
  for (i = 0; i < 20 * 32; i++) keys[i] = (hfy_real)hfy_rng_sign(&rng);
  how.boost = 1.99;
  CHECK(hfy_recall_all(&net, &how, keys, 19, items, NULL, &work) == HFY_OK);
  for (i = 0; i < 19; i++) CHECK_EQ(items[i], i + 1);
  how.boost = 2.01;
  CHECK(hfy_recall_all(&net, &how, keys, 2, items, NULL, &work) == HFY_OK && items[0] == 1 && items[1] == 0);
  how.boost = 0;
  for (i = 0; i < 32; i++) keys[17 * 32 + i] = (hfy_real)(1.25 * (double)keys[9 * 32 + i] + (i == 3));
  CHECK(hfy_recall_all(&net, &how, keys, 9, items, NULL, &work) == HFY_OK && items[7] == 8 && items[8] == 17);
  net.sim = HFY_SIM_EUCLIDEAN;
  CHECK(hfy_recall_all(&net, &how, keys, 19, items, NULL, &work) == HFY_OK);
  for (i = 0; i < 19; i++) CHECK_EQ(items[i], i + 1);
}

/* A clean sequence of well separated patterns is recalled in order whatever the number type: huge penalties too. */
TEST(a_sequence_with_the_papers_settings) {
  hfy_net net = net_of(40, 32, 1, 2);
  hfy_recall how = how_of(HFY_RECALL_SEQUENTIAL, 0);
  hfy_rng rng = hfy_rng_seed(4);
  size_t items[40], i, wrong = 0;
  for (i = 0; i < 40 * 32; i++) keys[i] = (hfy_real)hfy_rng_sign(&rng);
  CHECK(hfy_recall_all(&net, &how, keys, 39, items, NULL, &work) == HFY_OK);
  for (i = 0; i < 39; i++) wrong += items[i] != i + 1;
  CHECK_EQ(wrong, 0);
}

TEST(of_equal_weights_the_lowest) {
  hfy_net net = net_of(3, 2, 2, 2);
  hfy_recall how = how_of(HFY_RECALL_BOUNDED, 3);
  size_t items[3];
  keys[0] = 0, keys[1] = 3, keys[2] = keys[4] = 3, keys[3] = keys[5] = 0;
  CHECK(hfy_recall_all(&net, &how, keys + 4, 1, items, NULL, &work) == HFY_OK);
  CHECK_EQ(items[0], 1);
}

TEST(other_similarities_values_and_posts) {
  static const hfy_sim sims[4] = {HFY_SIM_DOT, HFY_SIM_COSINE, HFY_SIM_EUCLIDEAN, HFY_SIM_MANHATTAN};
  static hfy_real values[20 * 16];
  size_t s, kind, i, d;
  for (kind = HFY_RECALL_BOUNDED; kind <= HFY_RECALL_SEQUENTIAL; kind++)
    for (s = 0; s < 4; s++) {
      hfy_net net = net_of(20, 16, s == 1 ? 20 : 3, 2);
      hfy_recall how = how_of((hfy_recall_kind)kind, 6);
      hfy_recall_state state;
      double left[20];
      hfy_real query[16], weights[20];
      size_t item = 0;
      uniforms(31 + s, 20 * 16);
      net.sim = sims[s];
      if (s == 1) net.post.kind = HFY_POST_L2, net.post.radius = 2;
      if (s == 2) { /* values that are not the keys */
        for (i = 0; i < 320; i++) values[i] = keys[i] + (hfy_real)0.01;
        net.values = values;
      }
      memset(&state, 0, sizeof state);
      state.left = left, state.query = query, state.weights = weights;
      CHECK(hfy_recall_begin(&net, &how, keys + 16, &state, &work) == HFY_OK);
      CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_OK);
      CHECK(item == (kind == HFY_RECALL_SEQUENTIAL ? item : 1)); /* the cue itself comes first */
      if (s == 1) {
        double square = 0;
        for (d = 0; d < 16; d++) square += (double)query[d] * (double)query[d];
        CHECK_NEAR(square, 4, 1e-5);
      }
      if (s == 2 && weights[item] >= 1) CHECK(!memcmp(query, values + item * 16, sizeof query));
    }
}

/* --- errors --- */

TEST(what_cannot_be_recalled) {
  hfy_net net = net_of(4, 3, 1, 2), good;
  hfy_recall how = how_of(HFY_RECALL_PENALISED, 3), fine;
  hfy_recall_state state;
  double left[4];
  hfy_real query[3], weights[4], jot[12] = {0};
  hfy_sep second;
  size_t items[4], item = 7, made = 7, i;
  uniforms(1, 12);
  good = net, fine = how;
  memset(&state, 0, sizeof state), memset(&second, 0, sizeof second);
  state.left = left, state.query = query, state.weights = weights;
  CHECK(hfy_recall_begin(&net, &how, keys, &state, &work) == HFY_OK);
  CHECK_FAILS(hfy_recall_begin(NULL, &how, keys, &state, &work), HFY_ERR_ARG, &work, "net is NULL");
  CHECK_FAILS(hfy_recall_begin(&net, NULL, keys, &state, &work), HFY_ERR_ARG, &work, "how is NULL");
  CHECK_FAILS(hfy_recall_begin(&net, &how, NULL, &state, &work), HFY_ERR_ARG, &work, "cue is NULL");
  CHECK_FAILS(hfy_recall_begin(&net, &how, keys, NULL, &work), HFY_ERR_ARG, &work, "state is NULL");
  CHECK_FAILS(hfy_recall_next(&net, &how, &state, NULL, &work), HFY_ERR_ARG, &work, "item is NULL");
  CHECK_FAILS(hfy_recall_all(&net, &how, keys, 0, NULL, NULL, &work), HFY_ERR_ARG, &work, "items is NULL");
  state.left = NULL;
  CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_ARG, &work, "state->left is NULL");
  state.left = left, state.query = NULL;
  CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_ARG, &work, "state->query is NULL");
  state.query = query, state.weights = NULL;
  CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_ARG, &work, "state->weights is NULL");
  state.weights = weights;
  how.kind = (hfy_recall_kind)7;
  CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_ARG, &work, "how->kind is 7");
  for (i = 0; i < 6; i++) {
    static const char *const names[6] = {"penalty", "decay", "transition", "boost", "rho", "inner_beta"};
    double *member[6];
    how = fine;
    member[0] = &how.penalty, member[1] = &how.decay, member[2] = &how.transition, member[3] = &how.boost;
    member[4] = &how.rho, member[5] = &how.inner_beta;
    *member[i] = i == 1 ? 2 : i == 3 ? 0.5 : -1;
    CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_ARG, &work, names[i]);
    *member[i] = (double)not_a_number();
    CHECK_FAILS(hfy_recall_all(&net, &how, keys, 0, items, &made, &work), HFY_ERR_ARG, &work, "nan");
    *member[i] = HUGE_VAL;
    CHECK_FAILS(hfy_recall_begin(&net, &how, keys, &state, &work), HFY_ERR_ARG, &work, "inf");
  }
  how = fine;
  net = good, net.readout = jot, net.readout_dim = 3;
  CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_UNSUPPORTED, &work, "readout");
  net = good, net.self_coupling = jot;
  CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_UNSUPPORTED, &work, "self_coupling");
  net = good, net.step = 0.5;
  CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_UNSUPPORTED, &work, "step");
  net = good, net.sep.plus = &second;
  CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_UNSUPPORTED, &work, "fixed sum");
  net = good, net.sep.kind = HFY_SEP_EXP;
  CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_UNSUPPORTED, &work, "fixed sum");
  net = good, net.count = 1;
  how.kind = HFY_RECALL_SEQUENTIAL;
  CHECK_FAILS(hfy_recall_all(&net, &how, keys, 0, items, &made, &work), HFY_ERR_ARG, &work, "2 at a time");
  net = good, net.dim = 0;
  CHECK_FAILS(hfy_recall_all(&net, &how, keys, 0, items, &made, &work), HFY_ERR_ARG, &work, "net->dim");
  CHECK(item == 7 && made == 7 && state.recalled == 0);
}

TEST(nothing_changes_when_an_item_fails) {
  size_t kind;
  for (kind = HFY_RECALL_BOUNDED; kind <= HFY_RECALL_SEQUENTIAL; kind++) {
    hfy_net net = net_of(6, 4, 1, 2);
    hfy_recall how = how_of((hfy_recall_kind)kind, 3);
    hfy_recall_state state;
    double left[6], left_before[6];
    hfy_real query[4], weights[6], query_before[4], kept;
    size_t item = 77, items[6], made = 99;
    uniforms(9, 24);
    memset(&state, 0, sizeof state);
    state.left = left, state.query = query, state.weights = weights;
    CHECK(hfy_recall_begin(&net, &how, keys, &state, &work) == HFY_OK);
    CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_OK);
    memcpy(left_before, left, sizeof left), memcpy(query_before, query, sizeof query);
    kept = keys[13], keys[13] = not_a_number(), item = 77;
    CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_ERR_NONFINITE && work.message[0]);
    CHECK(item == 77 && state.recalled == 1);
    CHECK(!memcmp(left_before, left, sizeof left) && !memcmp(query_before, query, sizeof query));
    CHECK(hfy_recall_all(&net, &how, keys, 0, items, &made, &work) == HFY_ERR_NONFINITE && made == 0);
    if (kind == HFY_RECALL_SEQUENTIAL) /* this beginning retrieves */
      CHECK(hfy_recall_begin(&net, &how, keys, &state, &work) == HFY_ERR_NONFINITE && work.message[0]);
    CHECK(state.recalled == 1 && !memcmp(left_before, left, sizeof left));
    CHECK(!memcmp(query_before, query, sizeof query));
    keys[13] = kept;
    CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_OK && state.recalled == 2);
    query[1] = not_a_number(); /* a cue with NaN never begins; a state with one never goes on */
    CHECK(hfy_recall_begin(&net, &how, query, &state, &work) == HFY_ERR_NONFINITE);
    CHECK_CONTAINS(work.message, "element 1");
    CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_ERR_NONFINITE && state.recalled == 2);
  }
}

TEST(memory_of_the_caller) {
  static unsigned char room[1 << 23];
  size_t kind, one, alpha;
  for (alpha = 0; alpha < 3; alpha++)
    for (kind = HFY_RECALL_BOUNDED; kind <= HFY_RECALL_SEQUENTIAL; kind++)
      for (one = 0; one < 2; one++) {
        static const double alphas[3] = {1, 1.3, 3};
        hfy_net net = net_of(30, 10, 1, alphas[alpha]);
        hfy_recall how = how_of((hfy_recall_kind)kind, 4);
        hfy_recall_state state;
        hfy_work mine;
        double left[30];
        hfy_real query[10], weights[30];
        size_t items[30], item = 77, made = 77;
        uniforms(2, 300);
        if (alpha == 1) net.sim = HFY_SIM_COSINE, net.post.kind = HFY_POST_LAYERNORM;
        memset(&state, 0, sizeof state), memset(&mine, 0, sizeof mine);
        state.left = left, state.query = query, state.weights = weights;
        mine.buffer = room + 1, mine.capacity = 1;
        if (kind == HFY_RECALL_SEQUENTIAL) {
          left[7] = 77, state.recalled = 77;
          CHECK(hfy_recall_begin(&net, &how, keys, &state, &mine) == HFY_ERR_NOMEM);
          CHECK(state.recalled == 77 && left[7] >= 77);
          mine.capacity = mine.peak;
          CHECK(mine.peak < sizeof room);
          CHECK(hfy_recall_begin(&net, &how, keys, &state, &mine) == HFY_OK && state.recalled == 0);
          mine.capacity = 1;
          how.bare_cue = 1;
        }
        CHECK(hfy_recall_begin(&net, &how, keys, &state, how.bare_cue ? &mine : NULL) == HFY_OK);
        how.bare_cue = 0;
        if (one) {
          CHECK(hfy_recall_next(&net, &how, &state, &item, &mine) == HFY_ERR_NOMEM);
          CHECK(item == 77 && state.recalled == 0);
        } else {
          CHECK(hfy_recall_all(&net, &how, keys, 0, items, &made, &mine) == HFY_ERR_NOMEM);
          CHECK(made == 77);
        }
        CHECK(mine.peak > 1 && mine.peak < sizeof room);
        mine.capacity = mine.peak;
        if (one)
          CHECK(hfy_recall_next(&net, &how, &state, &item, &mine) == HFY_OK && item < 30);
        else
          CHECK(hfy_recall_all(&net, &how, keys, 0, items, &made, &mine) == HFY_OK && made == 30);
        CHECK(mine.buffer == room + 1 && !mine.owned);
      }
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(rows_of_free_recall);
  RUN(rows_of_sequential_recall);
  RUN(rows_from_a_cue);
  RUN(levenshtein_by_its_definition);
  RUN(levenshtein);
  RUN(unique_ratio);
  RUN(row_causal_with_forgetting);
  RUN(biases);
  RUN(free_recall_as_printed);
  RUN(step_by_step_is_the_same);
  RUN(it_ends_when_all_is_taken);
  RUN(masked_patterns_are_never_recalled);
  RUN(masked_patterns_with_weight);
  RUN(penalties_of_any_size);
  RUN(what_a_cue_leaves);
  RUN(in_order_wherever_the_pairs_have_the_margin);
  RUN(a_bare_cue_may_start_anywhere);
  RUN(where_the_order_ends);
  RUN(a_sequence_with_the_papers_settings);
  RUN(of_equal_weights_the_lowest);
  RUN(other_similarities_values_and_posts);
  RUN(what_cannot_be_recalled);
  RUN(nothing_changes_when_an_item_fails);
  RUN(memory_of_the_caller);
  hfy_work_free(&work);
  return CHECK_END();
}
