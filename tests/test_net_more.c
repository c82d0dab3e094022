/* test_net_more.c: a null pattern: softmax_1, rows that see nothing, the same as one more key of zeros, who refuses it.
   Settings of each query: the bits of a batch of one with them, of all that a call writes. Scores of float nets keep
   their digits. */
#ifndef TEST_LINKED
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "nets.h"

/* A leak between a state and one so far away that hfy_real does not hold the difference. */
TEST(a_leak_over_the_whole_range) {
  const hfy_real key[2] = {(hfy_real)(0.9 * REAL_MAX), (hfy_real)(-0.9 * REAL_MAX)};
  const hfy_real q[2] = {(hfy_real)(-0.8 * REAL_MAX), (hfy_real)(-0.8 * REAL_MAX)};
  hfy_real out[2];
  hfy_net net;
  memset(&net, 0, sizeof net);
  net.dim = 2, net.count = 1, net.keys = key, net.sim = HFY_SIM_COSINE, net.step = 0.75;
  CHECK(hfy_retrieve(&net, q, 1, out, NULL, NULL) == HFY_OK);
  CHECK_NEAR((double)out[0] / REAL_MAX, 0.475, 4 * REAL_EPS);
  CHECK_NEAR((double)out[1] / REAL_MAX, -0.875, 4 * REAL_EPS);
}

/* --- a null pattern --- */

/* softmax_1(x) = e^x / (1 + sum e^x), by hand; 0 where nothing is seen, whatever the way there. */
TEST(null_pattern_is_softmax_1) {
  static const hfy_real keys[] = {1, 0, 0, 1, -1, 2}, q[] = {1, 2, 1, 2, -400, -400};
  static const size_t visible[] = {3, 0, 2};
  hfy_real out[6], weights[9], null[3], score[3];
  size_t best[3], support[3], way;
  const double e1 = exp(1), e2 = exp(2), e3 = exp(3), sum = 1 + e1 + e2 + e3;
  hfy_report report;
  hfy_net net;
  memset(&net, 0, sizeof net), memset(&report, 0, sizeof report);
  net.dim = 2, net.count = 3, net.keys = keys, net.beta = 1, net.visible = visible, net.null_pattern = 1;
  report.null_weight = null, report.best = best, report.best_score = score;
  for (way = 0; way < 2; way++) { /* in one pass; by whole rows */
    CHECK(hfy_retrieve(&net, q, 3, out, &report, NULL) == HFY_OK);
    CHECK_NEAR(null[0], 1 / sum, 4 * REAL_EPS);
    CHECK_NEAR(out[0], (e1 - e3) / sum, 4 * REAL_EPS);
    CHECK_NEAR(out[1], (e2 + 2 * e3) / sum, 4 * REAL_EPS);
    CHECK(best[0] == 2 && null[1] == 1 && null[2] == 1 && best[1] == 0 && (double)score[1] < -1e30);
    CHECK(out[2] == 0 && out[3] == 0 && !signbit(out[2]) && !signbit(out[3]));
    report.weights = weights, report.support = support;
  }
  CHECK_NEAR(weights[0], e1 / sum, 4 * REAL_EPS);
  CHECK(support[0] == 3 && support[1] == 0 && weights[3] == 0 && weights[8] == 0);
  net.null_pattern = 0; /* without it */
  CHECK(hfy_retrieve(&net, q, 3, out, &report, NULL) == HFY_ERR_ARG);
  CHECK(null[0] == 0 && null[1] == 1); /* a query without an answer is not touched */
}

/* A net with one more key, value and readout of zeros and null_score as its bias is the same net: bits of lists, all
   that a report tells, energies and their gradients. Every separation that may have one, alone and in company. */
TEST(null_pattern_is_a_key_of_zeros) {
  enum { N = 24, D = 5, B = 4, T = 3, TOP = 4 };
  static fixture f, more;
  hfy_report a, b;
  int s, p, way, compared = 0;
  for (s = 0; s < SEPS; s++)
    for (p = 0; p < POSTS; p++)
      for (way = 0; way < 3; way++) {
        hfy_status status[B];
        hfy_real null[B], weights[B * N], others[B * (N + 1)], out[B * MAX_D], score[2][B], dq[2][B * D];
        double energy[2][B * (T + 1)], e[2][B];
        size_t best[2][B], support[2][B], steps[2][B], i, j;
        const int exact = s != 0 && s != 3 && s != 4 && s != 13;
        make(&f, (uint64_t)(100 * s + p), N, D, B);
        use_sep(&f, s), use_post(&f, p);
        f.net.max_steps = T;
        if (s == 13) f.more.kind = HFY_SEP_ENTMAX, f.net.beta = 0.3;
        with_options(&f, 512);
        if (!f.net.null_pattern) continue;
        f.net.null_score = 0.1 * p - 0.3;
        more = f;
        if (s == 13) more.net.sep.plus = &more.more;
        f.net.bias = f.bias;
        for (i = 0; i < N; i += 4) f.bias[i] = (hfy_real)-HUGE_VAL;
        for (i = 0; i < N; i++) more.bias[i] = f.bias[i];
        more.bias[N] = (hfy_real)f.net.null_score;
        memset(more.keys + N * D, 0, D * sizeof *more.keys), memset(more.values + N * D, 0, D * sizeof *more.keys);
        memset(more.readout + 3 * N, 0, 3 * sizeof *more.readout);
        more.net.null_pattern = 0, more.net.count = N + 1;
        more.net.keys = more.keys, more.net.bias = more.bias;
        if (way == 1) f.net.values = f.values, more.net.values = more.values;
        if (way == 2) f.net.readout = f.readout, more.net.readout = more.readout;
        if (way == 2) f.net.readout_dim = more.net.readout_dim = 3;
        memset(&a, 0, sizeof a), memset(score, 0, sizeof score), memset(dq, 0, sizeof dq);
        a.best = best[0], a.support = support[0], a.steps = steps[0], a.best_score = score[0], a.status = status;
        a.weights = weights, a.null_weight = null;
        b = a;
        b.best = best[1], b.support = support[1], b.steps = steps[1], b.best_score = score[1];
        b.weights = others, b.null_weight = NULL;
        if (way != 1 && post_has_energy(p)) a.energy = energy[0], b.energy = energy[1];
        CHECK(hfy_retrieve(&more.net, f.queries, B, out, &b, NULL) == HFY_OK);
        CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &a, NULL) == HFY_OK);
        for (j = 0; j < B * (way == 2 ? 3u : D); j++) CHECK_NEAR(f.out[j], out[j], exact ? 0 : 100 * REAL_EPS);
        for (j = 0; j < B; j++) {
          for (i = 0; i < N; i++) CHECK_NEAR(weights[j * N + i], others[j * (N + 1) + i], exact ? 0 : 100 * REAL_EPS);
          CHECK_NEAR(null[j], others[j * (N + 1) + N], exact ? 0 : 100 * REAL_EPS);
          if (exact) CHECK(steps[0][j] == steps[1][j] && support[0][j] + (null[j] > 0) == support[1][j]);
          if (best[1][j] == N) continue;
          CHECK(best[0][j] == best[1][j]);
          CHECK_NEAR(score[0][j], score[1][j], exact ? 0 : 100 * REAL_EPS);
        }
        compared++;
        if (!a.energy) continue;
        for (j = 0; j < B * (T + 1); j++)
          if (energy[1][j] > -HUGE_VAL) CHECK_NEAR(energy[0][j], energy[1][j], 100 * REAL_EPS);
        CHECK(hfy_energy(&f.net, f.queries, B, e[0], NULL) == hfy_energy(&more.net, f.queries, B, e[1], NULL));
        for (j = 0; j < B; j++) CHECK_NEAR(e[0][j], e[1][j], 100 * REAL_EPS);
        CHECK(hfy_energy_gradient(&f.net, f.queries, B, dq[0], NULL) ==
              hfy_energy_gradient(&more.net, f.queries, B, dq[1], NULL));
        for (j = 0; j < B * D; j++) CHECK_NEAR(dq[0][j], dq[1][j], 100 * REAL_EPS);
        for (i = 1; i < 3; i++) {
          double one, two;
          CHECK(hfy_energy_constant(&f.net, (hfy_energy_form)i, &one, NULL) == HFY_OK);
          CHECK(hfy_energy_constant(&more.net, (hfy_energy_form)i, &two, NULL) == HFY_OK);
          CHECK_NEAR(one, two, 100 * REAL_EPS);
        }
        show("", "", s * 100 + p * 10 + way);
      }
  CHECK(compared > 400);
}

/* A null pattern beside scores that wait for beta: as a key of zeros with a bias, but for rounding;
   and the energies of the states are those that hfy_energy finds. */
TEST(null_pattern_beside_late_scores) {
  enum { N = 24, D = 5, B = 4, T = 2 };
  static fixture f, more;
  int s;
  for (s = 0; s < SEPS; s++) {
    hfy_real null[B], all[B * (N + 1)], out[B * D];
    double energy[B * (T + 1)], e[B];
    hfy_report a, b;
    size_t i, j;
    make(&f, (uint64_t)(900 + s), N, D, B);
    use_sep(&f, s);
    f.net.null_pattern = 1, f.net.null_score = 0.7, f.net.beta = 0.37, f.net.max_steps = T;
    if (s == 2 || s == 13 || sep_is_unbounded(s) || s == 17 || s == 18) continue;
    more = f;
    memset(more.keys + N * D, 0, D * sizeof *more.keys), memset(more.bias, 0, (N + 1) * sizeof *more.bias);
    more.bias[N] = (hfy_real)f.net.null_score;
    more.net.keys = more.keys, more.net.count = N + 1, more.net.bias = more.bias, more.net.null_pattern = 0;
    memset(&a, 0, sizeof a), memset(&b, 0, sizeof b);
    a.null_weight = null, a.energy = energy, b.weights = all;
    f.net.keys = f.keys;
    CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &a, NULL) == HFY_OK);
    CHECK(hfy_retrieve(&more.net, f.queries, B, out, &b, NULL) == HFY_OK);
    CHECK(agree(out, f.out, B * D, 100));
    for (j = 0; j < B; j++) CHECK(agree(all + j * (N + 1) + N, null + j, 1, 100));
    CHECK(hfy_energy(&f.net, f.queries, B, e, NULL) == HFY_OK);
    for (j = 0; j < B; j++) CHECK_NEAR(energy[j * (T + 1)], e[j], 100 * REAL_EPS);
    CHECK(hfy_energy(&f.net, f.out, B, e, NULL) == HFY_OK);
    for (j = 0; j < B; j++) CHECK_NEAR(energy[j * (T + 1) + T], e[j], 100 * REAL_EPS);
    a.null_weight = all, a.energy = NULL; /* by lists and sums */
    CHECK(hfy_retrieve(&f.net, f.queries, B, out, &a, NULL) == HFY_OK);
    for (i = 0; i < B; i++) CHECK(agree(all + i, null + i, 1, 100));
    CHECK(agree(out, f.out, B * D, 100));
  }
}

/* What asks for it where there is none of it. */
TEST(null_pattern_refused) {
  fixture f;
  hfy_work work;
  hfy_grad grad;
  double number = 0;
  int s;
#ifdef HFY_HAS_STRUCTURE_
  hfy_structure sequence = hfy_structure_sequence(6, 2);
#endif
  memset(&work, 0, sizeof work), memset(&grad, 0, sizeof grad);
  make(&f, 900, 6, 4, 2);
#ifdef HFY_HAS_STRUCTURE_
  for (s = 0; s < SEPS + 2; s++) {
#else
  for (s = 0; s < SEPS; s++) {
#endif
    const int bad = sep_is_unbounded(s) || s == 2 || s >= SEPS;
    use_sep(&f, s);
#ifdef HFY_HAS_STRUCTURE_
    if (s == SEPS) f.net.sep.kind = HFY_SEP_SEQUENCE_KSUBSETS;
    if (s == SEPS + 1) f.net.sep.kind = HFY_SEP_SPARSEMAP, f.net.sep.structure = &sequence;
#endif
    f.net.null_pattern = 1;
    CHECK(hfy_net_check(&f.net, NULL, &work) == (bad ? HFY_ERR_UNSUPPORTED : HFY_OK));
    if (bad) CHECK(strstr(work.message, "null_pattern") != NULL);
    f.net.null_pattern = 0;
    CHECK(hfy_net_check(&f.net, NULL, &work) == HFY_OK);
  }
  use_sep(&f, 13); /* any link */
  f.more.kind = HFY_SEP_EXP;
  f.net.null_pattern = 1;
  CHECK_FAILS(hfy_net_check(&f.net, NULL, &work), HFY_ERR_UNSUPPORTED, &work, "null_pattern");
  use_sep(&f, 1);
  f.net.null_score = HUGE_VAL;
  CHECK_FAILS(hfy_net_check(&f.net, NULL, &work), HFY_ERR_ARG, &work, "null_score");
  f.net.null_score = NAN;
  CHECK_FAILS(hfy_net_check(&f.net, NULL, &work), HFY_ERR_ARG, &work, "null_score");
  f.net.null_pattern = 0; /* not looked at */
  CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, NULL, &work) == HFY_OK);
  grad.null_score = &number;
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, f.queries, &grad, &work), HFY_ERR_UNSUPPORTED, &work,
              "null_score");
  f.net.null_pattern = 1, f.net.null_score = 0;
  CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, f.queries, &grad, &work) == HFY_OK);
#ifdef HFY_HAS_THEORY_
  CHECK_FAILS(hfy_theory_retrieves(&f.net, f.queries, 2, &number, NULL, &work), HFY_ERR_UNSUPPORTED, &work,
              "null_pattern");
#endif
  hfy_work_free(&work);
}

/* --- settings of each query --- */

enum { OWN = 8 }; /* queries */

/* What the calls of a net write, for OWN queries of D, V numbers. */
typedef struct told {
  hfy_status status[OWN], first[4];
  hfy_real out[OWN * MAX_D], best_score[OWN], top_weight[OWN * 3], top_score[OWN * 3], null_weight[OWN];
  hfy_real weights[OWN * MAX_N], dq[OWN * MAX_D], slope[OWN * MAX_D], eq[OWN * MAX_D];
  size_t best[OWN], support[OWN], steps[OWN], cycle[OWN], top_index[OWN * 3];
  double residual[OWN], energy[OWN * 5], e[OWN], betas[OWN], alphas[OWN], gammas[OWN], ebetas[OWN];
  double upper[OWN * MAX_N];
} told;
typedef struct sums {
  hfy_real keys[MAX_N * MAX_D], ekeys[MAX_N * MAX_D];
  double beta, alpha, gamma, null_score, ebeta;
} sums;

/* Queries from .. from+n-1 of the fixture; which: how much the report asks for. */
static void tell(const fixture *f, hfy_net net, size_t from, size_t n, int which, int energies, told *t, sums *g) {
  const size_t D = net.dim, N = net.count, width = net.readout ? net.readout_dim : D, T = net.max_steps;
  static double ones[OWN];
  hfy_real dout[OWN * MAX_D];
  hfy_report r;
  hfy_grad grad;
  size_t i;
  for (i = 0; i < OWN; i++) ones[i] = 1 + (double)(from + i);
  for (i = 0; i < n * width; i++) dout[i] = (hfy_real)(0.1 * (double)((from * width + i) % 11) - 0.5);
  if (net.bias) net.bias += from * net.bias_stride;
  if (net.visible) net.visible += from;
  if (net.sep.upper) net.sep.upper += from * net.sep.bound_stride;
  memset(&r, 0, sizeof r), memset(&grad, 0, sizeof grad);
  r.status = t->status + from, r.best = t->best + from, r.steps = t->steps + from, r.cycle = t->cycle + from;
  r.residual = t->residual + from, r.best_score = t->best_score + from, r.null_weight = t->null_weight + from;
  if (which > 0) r.support = t->support + from, r.top = 3, r.top_index = t->top_index + 3 * from;
  if (which > 0) r.top_weight = t->top_weight + 3 * from, r.top_score = t->top_score + 3 * from;
  if (which > 1) r.weights = t->weights + from * N;
  if (which > 1 && energies) r.energy = t->energy + from * (T + 1);
  t->first[0] = hfy_retrieve(&net, f->queries + from * D, n, t->out + from * width, &r, NULL);
  grad.queries = t->dq + from * D, grad.keys = g->keys, grad.beta = &g->beta, grad.betas = t->betas + from;
  if (net.null_pattern) grad.null_score = &g->null_score;
  if (net.sep.kind == HFY_SEP_ENTMAX) grad.alpha = &g->alpha, grad.alphas = t->alphas + from;
  if (net.sep.kind == HFY_SEP_NORMMAX && f->net.sep.gamma < 1e9) grad.gamma = &g->gamma, grad.gammas = t->gammas + from;
  if (net.sep.upper) grad.upper = t->upper + from * net.sep.bound_stride;
  grad.implicit = 0;
  t->first[1] = hfy_retrieve_vjp(&net, f->queries + from * D, n, dout, &grad, NULL);
  if (!energies) return;
  t->first[2] = hfy_energy(&net, f->queries + from * D, n, t->e + from, NULL);
  t->first[3] = hfy_energy_gradient(&net, f->queries + from * D, n, t->slope + from * D, NULL);
  memset(&grad, 0, sizeof grad);
  grad.queries = t->eq + from * D, grad.keys = g->ekeys, grad.beta = &g->ebeta, grad.betas = t->ebetas + from;
  t->first[3] = hfy_energy_vjp(&net, f->queries + from * D, n, ones, &grad, NULL);
}

static double own_of(hfy_rng *rng, double from, double to) {
  return hfy_rng_u64(rng) >> 62 ? from + (to - from) * hfy_rng_uniform(rng) : 0;
}

/* Powers of two, taken from the keys and given to beta, change nothing; what leaves the range of floats is not late. */
TEST(late_scores_of_any_size) {
  enum { N = 100 };
  static const int exponent[] = {0, -100, -80, -63, -50, 50, 63, 80, 100};
  static const hfy_sep_kind kinds[] = {HFY_SEP_SPARSEMAX, HFY_SEP_ENTMAX, HFY_SEP_NORMMAX, HFY_SEP_SOFTMAX};
  static const hfy_real few[] = {1, 2, 3, 4}, ties[] = {4, 4, 4, 1}, one[] = {1};
  static hfy_real keys[N], weights[N], first[N];
  hfy_rng rng = hfy_rng_seed(5);
  size_t e, i;
  int kind;
  for (kind = 0; kind < 8; kind++) {
    hfy_real drawn[N], out[1];
    normals(&rng, drawn, N, 1);
    for (e = 0; e < COUNT(exponent); e++) {
      hfy_report report;
      hfy_net net;
      memset(&net, 0, sizeof net), memset(&report, 0, sizeof report);
      for (i = 0; i < N; i++) keys[i] = (hfy_real)ldexp((double)drawn[i], -exponent[e]);
      net.dim = 1, net.count = N, net.keys = keys, net.beta = ldexp(1, exponent[e]);
      net.null_pattern = kind > 3;
      net.sep.kind = kinds[kind % 4];
      report.weights = weights;
      CHECK(hfy_retrieve(&net, one, 1, out, &report, NULL) == HFY_OK);
      for (i = 0; i < N; i++) CHECK_NEAR(weights[i], e ? first[i] : weights[i], 8 * REAL_EPS);
      if (!e) memcpy(first, weights, sizeof first);
    }
  }
  for (kind = 0; kind < 4; kind++) {
    static const double null[] = {0, 1e10, -1e10, 1e-20};
    hfy_real out[1], w[4], left[1];
    const hfy_real nothing = 0;
    const size_t visible[1] = {kind == 2 ? 0 : 4};
    hfy_report report;
    hfy_net net;
    double sum = 0;
    memset(&net, 0, sizeof net), memset(&report, 0, sizeof report);
    net.dim = 1, net.count = 4, net.keys = kind ? few : ties, net.beta = kind == 1 || kind == 2 ? 1e-29 : 1e29;
    net.sep.kind = !kind ? HFY_SEP_KSUBSETS : kind == 3 ? HFY_SEP_ARGMAX : HFY_SEP_SPARSEMAX;
    if (!kind) net.sep.k = 2, net.sep.rho = 1e-300;
    net.null_pattern = kind > 0, net.null_score = null[kind], net.visible = visible;
    report.weights = w, report.null_weight = kind ? left : NULL;
    CHECK(hfy_retrieve(&net, kind == 3 ? &nothing : one, 1, out, &report, NULL) == HFY_OK);
    for (i = 0; i < 4; i++) sum += (double)w[i];
    if (!kind) CHECK_NEAR(sum, 2, REAL_EPS);
    if (kind) CHECK_EQ(left[0], 1);
  }
}

TEST(own_settings_are_a_batch_of_one) {
  enum { N = 19, D = 5, T = 4 };
  static fixture f;
  static told all, alone;
  static sums g, sum;
  hfy_rng rng = hfy_rng_seed(501);
  size_t answered = 0;
  int trial;
  for (trial = 0; trial < 500; trial++) {
    const int s = trial % SEPS, p = (trial * 5) % POSTS, way = trial / 7 % 8;
    double betas[OWN], alphas[OWN], gammas[OWN], ks[OWN];
    hfy_net net;
    size_t j;
    int energies;
    make(&f, (uint64_t)(700 + trial), N, D, OWN);
    use_sep(&f, s), use_post(&f, p);
    with_options(&f, (unsigned)(trial * 37) & (1 + 2 + 4 + 16 + 32 + 64 + 256 + 512));
    if (s == 2 || s == 11 || s == 12 || s == 17) f.net.visible = NULL;
    f.net.sim = trial % 3 ? HFY_SIM_DOT : (hfy_sim)(trial / 3 % 4);
    f.net.max_steps = sep_is_unbounded(s) ? 1 : (size_t)(1 + trial % T);
    energies = f.net.sim == HFY_SIM_DOT && !f.net.values && post_has_energy(p);
    for (j = 0; j < OWN; j++) {
      betas[j] = own_of(&rng, 0.2, 2), gammas[j] = own_of(&rng, 1.1, 5), ks[j] = own_of(&rng, 0.5, 4);
      alphas[j] = j % 4 == 1 ? 1 : j % 4 == 2 ? 2 : own_of(&rng, 0.6, 3);
      if (f.net.sep.kind == HFY_SEP_ARGMAX) ks[j] = floor(ks[j]);
      if (j && hfy_rng_u64(&rng) >> 63) betas[j] = betas[j - 1], alphas[j] = alphas[j - 1], gammas[j] = gammas[j - 1];
      if (j && hfy_rng_u64(&rng) >> 63) ks[j] = ks[j - 1];
    }
    if (trial % 9 == 8) betas[3] = -1, betas[5] = NAN; /* these two fail */
    if (trial % 9 == 7) alphas[2] = -0.5, gammas[2] = 0.5, ks[2] = N + 1;
    net = f.net;
    if (way & 1 || way == 0) net.betas = betas;
    if (way & 2) net.alphas = alphas;
    if (way & 4) net.gammas = gammas;
    if (way & 2 || way & 4) net.ks = ks;
    memset(&all, 0, sizeof all), memset(&alone, 0, sizeof alone), memset(&g, 0, sizeof g), memset(&sum, 0, sizeof sum);
    tell(&f, net, 0, OWN, trial % 3, energies, &all, &g);
    for (j = 0; j < OWN; j++) {
      hfy_net one = f.net;
      if (net.betas && betas[j] != 0) one.beta = betas[j];
      if (net.alphas && alphas[j] != 0) one.sep.alpha = alphas[j];
      if (net.gammas && gammas[j] != 0) one.sep.gamma = gammas[j];
      if (net.ks && ks[j] != 0) one.sep.k = ks[j];
      tell(&f, one, j, 1, trial % 3, energies, &alone, &sum);
      if (alone.first[0] && !alone.status[j]) alone.status[j] = alone.first[0]; /* the whole call of one */
      answered += !alone.status[j];
    }
    memcpy(alone.first, all.first, sizeof all.first);
    for (j = 0; j < OWN * MAX_N; j++) CHECK_NEAR(all.upper[j], alone.upper[j], 1e-11); /* one row for all: a sum */
    memcpy(alone.upper, all.upper, sizeof all.upper);
    CHECK(same_bits(&all, &alone, sizeof all));
    for (j = 0; j < N * D; j++) {
      CHECK_NEAR(g.keys[j], sum.keys[j], 1000 * REAL_EPS);
      CHECK_NEAR(g.ekeys[j], sum.ekeys[j], 1000 * REAL_EPS);
    }
    CHECK_NEAR(g.beta, sum.beta, 1e-11), CHECK_NEAR(g.alpha, sum.alpha, 1e-11), CHECK_NEAR(g.gamma, sum.gamma, 1e-11);
    CHECK_NEAR(g.null_score, sum.null_score, 1e-11), CHECK_NEAR(g.ebeta, sum.ebeta, 1e-11);
    show("own settings", "", trial);
  }
  CHECK(answered > 3000);
}

TEST(own_settings_out_of_range) {
  enum { N = 6, D = 4 };
  static fixture f;
  double betas[4] = {1, -1, 0, HUGE_VAL}, alphas[4] = {0, 1, -2, 1.5}, ks[4] = {1, 7, 2, 0};
  hfy_status status[4];
  hfy_report report;
  hfy_grad grad;
  hfy_work work;
  double energy[4] = {5, 5, 5, 5}, db[4] = {0, 0, 0, 0};
  void *buffer;
  size_t peak;
  memset(&work, 0, sizeof work), memset(&report, 0, sizeof report), memset(&grad, 0, sizeof grad);
  report.status = status, grad.betas = db;
  make(&f, 600, N, D, 4);
  f.net.betas = betas;
  fill(f.out, 16, 9);
  CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 4, f.out, &report, &work), HFY_ERR_ARG, &work,
              "query 1: net->beta is -1");
  CHECK(!status[0] && status[1] == HFY_ERR_ARG && !status[2] && status[3] == HFY_ERR_ARG);
  CHECK(f.out[3] != 9 && f.out[4] == 9 && f.out[8] != 9 && f.out[12] == 9);
  CHECK_FAILS(hfy_energy(&f.net, f.queries, 4, energy, &work), HFY_ERR_ARG, &work, "query 1: net->beta is -1");
  CHECK(energy[0] != 5 && energy[1] == 5 && energy[2] != 5 && energy[3] == 5);
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 4, f.queries, &grad, &work), HFY_ERR_ARG, &work,
              "query 1: net->beta");
  CHECK(db[0] != 0 && db[1] == 0 && db[2] != 0 && db[3] == 0);
  f.net.betas = NULL, f.net.alphas = alphas, f.net.sep.kind = HFY_SEP_ENTMAX;
  CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 4, f.out, &report, &work), HFY_ERR_ARG, &work,
              "query 2: net->sep.alpha is -2");
  f.net.sep.kind = HFY_SEP_SPARSEMAX; /* has none: not looked at */
  CHECK(hfy_retrieve(&f.net, f.queries, 4, f.out, &report, &work) == HFY_OK);
  f.net.alphas = NULL, f.net.ks = ks, f.net.sep.kind = HFY_SEP_KSUBSETS;
  CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 4, f.out, &report, &work), HFY_ERR_ARG, &work,
              "query 1: net->sep.k is 7");
  /* an error in what a query holds keeps its number; the first failure is the one told */
  f.net.ks = NULL, f.net.betas = betas, betas[1] = 2, f.queries[2 * D] = (hfy_real)NAN;
  CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 4, f.out, &report, &work), HFY_ERR_NONFINITE, &work, "query 2:");
  CHECK(!status[1] && status[2] == HFY_ERR_NONFINITE && status[3] == HFY_ERR_ARG);
  CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 4, f.queries, &grad, &work), HFY_ERR_NONFINITE, &work, "query 2");
  f.queries[2 * D] = 0;
  /* what is wrong with the call shows before anything is written */
  betas[3] = 1;
  fill(f.out, 16, 9);
  CHECK_FAILS(hfy_retrieve(&f.net, NULL, 4, f.out, &report, &work), HFY_ERR_ARG, &work, "queries is NULL");
  CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 4, NULL, &report, &work), HFY_ERR_ARG, &work, "out is NULL");
  f.net.beta = -3;
  CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 4, f.out, &report, &work), HFY_ERR_ARG, &work, "net->beta is -3");
  f.net.beta = 0;
  CHECK(f.out[0] == 9);
  /* scratch for the largest of all, before the first is answered */
  alphas[0] = alphas[1] = alphas[2] = 1, alphas[3] = 3, f.net.alphas = alphas, f.net.sep.kind = HFY_SEP_ENTMAX;
  hfy_work_free(&work), memset(&work, 0, sizeof work);
  CHECK(hfy_retrieve(&f.net, f.queries, 4, f.out, NULL, &work) == HFY_OK && work.message[0] == 0);
  peak = work.peak;
  hfy_work_free(&work), memset(&work, 0, sizeof work);
  buffer = malloc(peak);
  fill(f.out, 16, 9);
  work.buffer = buffer, work.capacity = peak - 1;
  CHECK(hfy_retrieve(&f.net, f.queries, 4, f.out, NULL, &work) == HFY_ERR_NOMEM && f.out[0] == 9 && work.peak == peak);
  work.capacity = peak;
  CHECK(hfy_retrieve(&f.net, f.queries, 4, f.out, NULL, &work) == HFY_OK && f.out[0] != 9);
  free(buffer);
  memset(&work, 0, sizeof work);
#ifdef HFY_HAS_THEORY_
  CHECK_FAILS(hfy_theory_retrieves(&f.net, f.queries, 2, energy, NULL, &work), HFY_ERR_UNSUPPORTED, &work, "betas");
#endif
#ifdef HFY_HAS_SHARD_
  CHECK_FAILS(hfy_shard_find(&f.net, 0, f.queries, 2, 0, f.out, sizeof f.out, &work), HFY_ERR_UNSUPPORTED, &work,
              "betas");
#endif
  hfy_work_free(&work);
}

#ifdef HFY_HAS_INDEX_
/* An index serves queries with settings of their own, to the bit. */
TEST(own_settings_with_an_index) {
  enum { N = 600, D = 32, B = 24 };
  static hfy_real keys[N * D], q[B * D], out[2][B * D];
  double betas[B], alphas[B];
  hfy_rng rng = hfy_rng_seed(77);
  const size_t bytes = hfy_index_size(N, D, NULL);
  void *memory = malloc(bytes);
  hfy_index index;
  hfy_net net;
  size_t i, way;
  memset(&net, 0, sizeof net);
  normals(&rng, keys, N * D, 1), normals(&rng, q, B * D, 1);
  CHECK(hfy_index_build(keys, N, D, 0, NULL, memory, bytes, &index, NULL) == HFY_OK);
  for (i = 0; i < B; i++) betas[i] = i % 5 == 0 ? 0 : 0.2 + 0.1 * (double)(i / 2), alphas[i] = i % 3 ? 1.5 : 2;
  net.count = N, net.dim = D, net.keys = keys, net.betas = betas, net.alphas = alphas, net.max_steps = 3;
  net.sep.kind = HFY_SEP_ENTMAX;
  for (way = 0; way < 2; way++) {
    CHECK(hfy_retrieve(&net, q, B, out[way], NULL, NULL) == HFY_OK);
    net.index = &index;
  }
  CHECK(same_bits(out[0], out[1], sizeof out[0]));
  free(memory);
}
#endif

/* ARGMAX with k = 2, where the null pattern is the second: a state that is one row's says not all of the next step. */
TEST(null_weight_of_a_known_state) {
  static const hfy_real keys[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  static const hfy_real q[] = {(hfy_real)0.9, 0, 0, (hfy_real)0.8, 0, 0, 0, (hfy_real)0.9, 0, (hfy_real)0.7, 0, 0};
  hfy_real out[12], null[4];
  hfy_report report;
  hfy_net net;
  size_t j;
  memset(&net, 0, sizeof net), memset(&report, 0, sizeof report);
  net.dim = net.count = 3, net.keys = keys, net.beta = 1, net.max_steps = 5;
  net.sep.kind = HFY_SEP_ARGMAX, net.sep.k = 2;
  net.null_pattern = 1, net.null_score = 0.5;
  report.null_weight = null;
  CHECK(hfy_retrieve(&net, q, 4, out, &report, NULL) == HFY_OK && same_bits(out + 6, keys + 3, 3 * sizeof *out));
  for (j = 0; j < 4; j++) CHECK(null[j] == 1);
}

/* --- whole-number pixels at scores of about 110 --- */

enum { PIXELS = 196, DIGITS = 500, NOTES = 7 };
static hfy_real digit[DIGITS * PIXELS], note[NOTES * PIXELS];

/* Four pictures, each many times with a few pixels changed; notes are such, too. Returns beta. */
static double draw_digits(void) {
  static hfy_real base[4 * PIXELS];
  hfy_rng rng = hfy_rng_seed(118);
  double most = 0;
  size_t i, d, k;
  for (i = 0; i < 4 * PIXELS; i++) base[i] = (hfy_real)(below(&rng, 5) ? 0 : below(&rng, 256));
  for (i = 0; i < DIGITS + NOTES; i++) {
    hfy_real *x = i < DIGITS ? digit + i * PIXELS : note + (i - DIGITS) * PIXELS;
    memcpy(x, base + i % 4 * PIXELS, PIXELS * sizeof *x);
    for (k = 0; k < 8; k++) x[below(&rng, PIXELS)] = (hfy_real)below(&rng, 256);
  }
  memcpy(digit + (DIGITS - 1) * PIXELS, note, PIXELS * sizeof *note); /* the best of the first note comes last */
  for (i = 0; i < DIGITS * NOTES; i++) {
    double s = 0;
    for (d = 0; d < PIXELS; d++) s += (double)digit[i / NOTES * PIXELS + d] * (double)note[i % NOTES * PIXELS + d];
    most = s > most ? s : most;
  }
  return 110 / most;
}

static void use_kind(hfy_net *net, int kind) {
  static const hfy_sep_kind kinds[] = {HFY_SEP_SOFTMAX, HFY_SEP_EXP,      HFY_SEP_SPARSEMAX, HFY_SEP_ENTMAX,
                                       HFY_SEP_ENTMAX,  HFY_SEP_KSUBSETS, HFY_SEP_NORMMAX,   HFY_SEP_NORMMAX};
  net->sep.kind = kinds[kind];
  net->sep.alpha = kind == 4 ? 3 : 1.5;
  net->sep.gamma = kind == 7 ? HUGE_VAL : 2;
  net->sep.k = 2.5;
  net->post.kind = kind == 1 ? HFY_POST_L2 : HFY_POST_NONE; /* EXP: of any scale */
  net->post.radius = 1000;
}

/* One note against long double: its weights (or NULL) and the answer, of this many patterns. */
static void check_note(const hfy_net *net, int kind, const hfy_real *q, const hfy_real *weights, const hfy_real *out) {
  static wide theta[DIGITS], p[DIGITS], z[PIXELS];
  hfy_sep sep = net->sep;
  wide norm = 0;
  double off = 0, apart = 0;
  size_t i, d;
  if (kind == 1) sep.kind = HFY_SEP_SOFTMAX;
  for (i = 0; i < net->count; i++) {
    for (theta[i] = 0, d = 0; d < PIXELS; d++) theta[i] += (wide)digit[i * PIXELS + d] * (wide)q[d];
    theta[i] *= (wide)net->beta;
  }
  oracle_sep(&sep, theta, net->count, 0, p);
  for (i = 0; weights && i < net->count; i++) {
    const double e = fabs((double)((wide)weights[i] - p[i]));
    off = e > off ? e : off;
  }
  for (d = 0; d < PIXELS; d++) {
    for (z[d] = 0, i = 0; i < net->count; i++) z[d] += p[i] * (wide)digit[i * PIXELS + d];
    norm += z[d] * z[d];
  }
  for (d = 0; d < PIXELS; d++) {
    const wide want = kind == 1 ? 1000 * z[d] / sqrtl(norm) : z[d];
    const double e = fabs((double)((wide)out[d] - want));
    apart = e > apart ? e : apart;
  }
  CHECK(off <= (sizeof(hfy_real) == sizeof(float) ? 1.2e-7 : 1e-12)); /* an ulp; of rounded theta: 6e-7 to 1e-5 */
  /* 4 places of 255, of rounded theta 2e-4 to 2e-3; to add up a hundred rows costs more */
  CHECK(apart <= (sizeof(hfy_real) == sizeof(float) ? kind < 2 && net->count > 100 ? 3e-4 : 7e-5 : 1e-10));
}

/* Weights lose nothing to the size of theta: by rows, lists and sums, alone and together, with an index, in shards. */
TEST(scores_keep_their_digits) {
  static hfy_real weights[NOTES * DIGITS], out[4][NOTES * PIXELS], score[2][NOTES];
  const double beta = draw_digits();
  size_t j;
  int kind;
  for (kind = 0; kind < 16; kind++) {
    hfy_net net;
    hfy_report r;
    memset(&net, 0, sizeof net), memset(&r, 0, sizeof r);
    net.dim = PIXELS, net.count = kind < 8 ? 40 : DIGITS, net.keys = digit, net.beta = beta;
    use_kind(&net, kind % 8);
    r.best_score = score[0];
    CHECK(hfy_retrieve(&net, note, NOTES, out[0], &r, NULL) == HFY_OK);
    r.weights = weights, r.best_score = score[1];
    if (kind % 8 == 1) r.weights = NULL;
    CHECK(hfy_retrieve(&net, note, NOTES, out[1], &r, NULL) == HFY_OK);
    CHECK(same_bits(score[0], score[1], sizeof score[0]));
    CHECK(kind % 8 < 2 || same_bits(out[0], out[1], sizeof out[0]));
    for (j = 0; j < NOTES; j++) {
      check_note(&net, kind % 8, note + j * PIXELS, r.weights ? weights + j * net.count : NULL, out[1] + j * PIXELS);
      check_note(&net, kind % 8, note + j * PIXELS, NULL, out[0] + j * PIXELS);
      CHECK(hfy_retrieve(&net, note + j * PIXELS, 1, out[2] + j * PIXELS, NULL, NULL) == HFY_OK);
    }
    CHECK(same_bits(out[0], out[2], sizeof out[0]));
#ifdef HFY_HAS_INDEX_
    {
      static unsigned char room[1 << 19];
      hfy_index index;
      CHECK(hfy_index_build(digit, net.count, PIXELS, 0, NULL, room, sizeof room, &index, NULL) == HFY_OK);
      net.index = &index;
      CHECK(hfy_retrieve(&net, note, NOTES, out[2], NULL, NULL) == HFY_OK);
      CHECK(hfy_retrieve(&net, note, 1, out[3], NULL, NULL) == HFY_OK);
      CHECK(same_bits(out[0], out[2], sizeof out[0]) && same_bits(out[0], out[3], row));
      net.index = NULL;
    }
#endif
#ifdef HFY_HAS_SHARD_
    {
      static unsigned char part[2][NOTES * 64 * (PIXELS + 4) * sizeof(double)];
      hfy_net slice = net;
      slice.count = net.count / 3;
      CHECK(hfy_shard_find(&slice, 0, note, NOTES, 0, part[0], sizeof part[0], NULL) == HFY_OK);
      slice.keys += slice.count * PIXELS, slice.count = net.count - slice.count;
      CHECK(hfy_shard_find(&slice, net.count / 3, note, NOTES, 0, part[1], sizeof part[1], NULL) == HFY_OK);
      CHECK(hfy_shard_merge(part[0], sizeof part[0], part[1], sizeof part[1], NULL) == HFY_OK);
      CHECK(hfy_shard_finish(&net, note, NOTES, part[0], sizeof part[0], out[3], NULL, NULL) == HFY_OK);
      CHECK(kind % 8 < 2 || same_bits(out[0], out[3], sizeof out[0]));
      for (j = 0; j < NOTES && kind % 8 < 2; j++)
        check_note(&net, kind % 8, note + j * PIXELS, NULL, out[3] + j * PIXELS);
    }
#endif
  }
}

/* A state or a score beyond hfy_real is found at the step that leads there, whatever would come of a later one. */
/* e^theta beyond double, or below it, where e^theta times a pattern is neither */
TEST(exponentials_beyond_double) {
#ifdef HFY_DOUBLE
  static const double at[] = {720, -720, 760, -760};
  const double key = 1, none = 0;
  size_t i;
  int way;
  for (i = 0; i < COUNT(at); i++)
    for (way = 0; way < 3; way++) { /* a readout, a state, one with a self-coupling of 0 */
      const double pattern = at[i] > 0 ? 1e-300 : 1e300, half = exp(0.5 * at[i]);
      double out = 7;
      hfy_net net;
      memset(&net, 0, sizeof net);
      net.dim = net.count = net.readout_dim = 1;
      net.keys = &key;
      net.sep.kind = HFY_SEP_EXP;
      *(way ? &net.values : &net.readout) = &pattern;
      if (way == 2) net.self_coupling = &none;
      CHECK(hfy_retrieve(&net, at + i, 1, &out, NULL, NULL) == HFY_OK);
      CHECK_NEAR(out / (half * pattern * half), 1, 1e-13);
    }
#endif
}

TEST(a_state_beyond_the_largest) {
  const double big = sizeof(hfy_real) == 8 ? 1e62 : 3e9;
  hfy_real keys[2], q = 0, out = 7;
  hfy_work work = {0};
  hfy_net net;
  memset(&net, 0, sizeof net);
  keys[0] = (hfy_real)big, keys[1] = (hfy_real)(0.7 * big);
  net.dim = 1, net.count = 2, net.keys = keys, net.beta = 1, net.max_steps = 3;
  net.sim = HFY_SIM_EUCLIDEAN, net.sep.kind = HFY_SEP_EVEN, net.sep.degree = 3;
  CHECK_FAILS(hfy_retrieve(&net, &q, 1, &out, NULL, &work), HFY_ERR_NONFINITE, &work, "new state");
  net.sim = HFY_SIM_DOT, net.sep.kind = HFY_SEP_SOFTMAX, net.max_steps = 2;
  q = keys[0] = (hfy_real)(big * big * big);
  CHECK_FAILS(hfy_retrieve(&net, &q, 1, &out, NULL, &work), HFY_ERR_NONFINITE, &work, "scores");
  CHECK(out == 7);
  hfy_work_free(&work);
}

/* --- many queries, one step, a readout: as each alone, and with a report --- */

/* What query `who` gets alone, and with a report. 0: all the same, status and bits. */
static size_t differs(hfy_net net, const hfy_real *q, const hfy_real *out, size_t who, int status) {
  hfy_real alone[2 * 40], *beside = alone + 40;
  size_t wrong, width = net.readout_dim, steps, i;
  hfy_report report;
  memset(&report, 0, sizeof report);
  report.steps = &steps, steps = 9;
  if (net.visible) net.visible += who;
  for (i = 0; i < 80; i++) alone[i] = 7;
  wrong = hfy_retrieve(&net, q + who * net.dim, 1, alone, NULL, NULL) != (hfy_status)status;
  wrong += hfy_retrieve(&net, q + who * net.dim, 1, beside, &report, NULL) != (hfy_status)status ||
           steps != (size_t)(status ? 9 : 1);
  return wrong + (memcmp(alone, out + who * width, width * sizeof *out) || memcmp(alone, beside, 40 * sizeof *out));
}

TEST(answers_of_a_readout) {
  static const size_t dims[] = {3, 32, 300};
  enum { count = 500, nq = 30, width = 5 };
  hfy_real *keys = (hfy_real *)malloc((count + nq) * 300 * sizeof *keys), readout[count * width], out[nq * width];
  hfy_rng rng = hfy_rng_seed(18);
  size_t visible[nq], way, d, i, wrong;
  for (d = 0; d < 3; d++)
    for (way = 0; way < 8; way++) {
      hfy_net net;
      const hfy_real *q = keys + count * dims[d];
      memset(&net, 0, sizeof net);
      net.dim = dims[d], net.count = count, net.keys = keys, net.readout = readout, net.readout_dim = width;
      net.sep.kind = way & 4 && way != 6 ? HFY_SEP_EXP : HFY_SEP_SOFTMAX, net.null_pattern = way == 2;
      net.beta = way == 3 ? 40 : 0.05;
      for (i = 0; i < (count + nq) * dims[d]; i++) keys[i] = (hfy_real)hfy_rng_normal(&rng);
      for (i = 0; i < count * width; i++) readout[i] = (hfy_real)hfy_rng_normal(&rng);
      for (i = 0; i < nq; i++) visible[i] = way & 1 ? 3 * i + 1 : count - i / 2;
      for (i = 0; i < nq * width; i++) out[i] = 7;
      if (way == 1) visible[6] = 0, readout[(count - 1) * width] = (hfy_real)HUGE_VAL;
      if (way == 2) visible[5] = 0;
      if (way == 6) readout[(count - 1) * width] = (hfy_real)HUGE_VAL;
      net.visible = visible;
      CHECK(hfy_retrieve(&net, q, nq, out, NULL, NULL) ==
            (way == 1 ? HFY_ERR_ARG : way == 6 ? HFY_ERR_NONFINITE : HFY_OK));
      for (i = wrong = 0; i < nq; i++)
        wrong += differs(net, q, out, i,
                         way == 1 && i == 6 ? HFY_ERR_ARG : way == 6 && i < 2 ? HFY_ERR_NONFINITE : HFY_OK);
      CHECK(!wrong);
    }
  free(keys);
}

/* Answers of a readout, many at once: those of one query at a time with a report, but for the query that is not finite,
   whose row stays as it was. */
TEST(readouts_beside_a_query_without_an_answer) {
  static const double bad[] = {0.25, HUGE_VAL, -HUGE_VAL, NAN};
  enum { N = 40, D = 6, W = 5, B = 9 };
  hfy_real keys[N * D], values[N * W], q[B * D], out[B * W], one[W];
  hfy_rng rng = hfy_rng_seed(77);
  size_t i, j, b, sim, steps;
  for (i = 0; i < COUNT(keys); i++) keys[i] = (hfy_real)hfy_rng_normal(&rng);
  for (i = 0; i < COUNT(values); i++) values[i] = (hfy_real)hfy_rng_normal(&rng);
  for (i = 0; i < COUNT(q); i++) q[i] = (hfy_real)hfy_rng_normal(&rng);
  for (b = 0; b < COUNT(bad); b++)
    for (sim = HFY_SIM_DOT; sim <= HFY_SIM_MANHATTAN; sim++)
      for (steps = 1; steps < 4; steps += 2) {
        hfy_net net;
        memset(&net, 0, sizeof net);
        net.dim = D, net.count = N, net.keys = keys, net.sim = (hfy_sim)sim, net.max_steps = steps, net.tol = 1e-9;
        net.readout = values, net.readout_dim = W;
        q[4 * D + 2] = (hfy_real)bad[b];
        for (i = 0; i < COUNT(out); i++) out[i] = 7;
        CHECK(hfy_retrieve(&net, q, B, out, NULL, NULL) == (b ? HFY_ERR_NONFINITE : HFY_OK));
        for (j = 0; j < B; j++) {
          double residual = 0;
          hfy_report report;
          memset(&report, 0, sizeof report);
          report.residual = &residual;
          for (i = 0; i < W; i++) one[i] = 7;
          CHECK(hfy_retrieve(&net, q + j * D, 1, one, &report, NULL) == (b && j == 4 ? HFY_ERR_NONFINITE : HFY_OK));
          CHECK(same_bits(one, out + j * W, sizeof one) && (b && j == 4) == (one[0] >= 7 && one[0] <= 7));
        }
        memset(keys, 0, D * sizeof *keys); /* a key of 0 alone, next to others from now on */
        net.count = 1;
        CHECK(hfy_retrieve(&net, q, B, out, NULL, NULL) == (b ? HFY_ERR_NONFINITE : HFY_OK));
      }
}

/* A whole batch that sees nothing but the null pattern answers 0, whatever the scratch held. */
TEST(a_batch_that_sees_nothing) {
  enum { N = 5, D = 3, B = 4 };
  hfy_real keys[N * D], readout[N * D], q[B * D], out[B * D];
  size_t visible[B] = {N, N, N, N}, i;
  hfy_rng rng = hfy_rng_seed(5);
  hfy_work work;
  hfy_net net;
  memset(&work, 0, sizeof work);
  memset(&net, 0, sizeof net);
  for (i = 0; i < COUNT(keys); i++) keys[i] = (hfy_real)hfy_rng_normal(&rng), readout[i] = (hfy_real)HUGE_VAL;
  for (i = 0; i < COUNT(q); i++) q[i] = (hfy_real)hfy_rng_normal(&rng);
  net.dim = net.readout_dim = D, net.count = N, net.keys = keys, net.readout = readout, net.visible = visible;
  net.null_pattern = 1;
  CHECK(hfy_retrieve(&net, q, B, out, NULL, &work) == HFY_ERR_NONFINITE);
  memset(visible, 0, sizeof visible);
  CHECK(hfy_retrieve(&net, q, B, out, NULL, &work) == HFY_OK);
  for (i = 0; i < COUNT(out); i++) CHECK(fabs((double)out[i]) <= 0);
  hfy_work_free(&work);
}

/* What up to 512 keys add up to lies where it belongs at once; from the next fold on, a second place is needed. */
TEST(one_fold_needs_no_second_place) {
  enum { D = 64, B = 128, N = 640 };
  static hfy_real keys[N * D], q[B * D], out[B * D];
  size_t peak[2], i;
  for (i = 0; i < COUNT(keys); i++) keys[i] = (hfy_real)(i % 7) / 8;
  for (i = 0; i < 2; i++) {
    hfy_work work;
    hfy_net net;
    memset(&work, 0, sizeof work);
    memset(&net, 0, sizeof net);
    net.dim = D, net.count = i ? N : 512, net.keys = keys;
    CHECK(hfy_retrieve(&net, q, B, out, NULL, &work) == HFY_OK);
    peak[i] = work.peak;
    hfy_work_free(&work);
  }
  if (!CHECK(peak[0] + 2 * sizeof q <= peak[1])) printf("    %zu bytes, with a second fold %zu\n", peak[0], peak[1]);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(a_leak_over_the_whole_range);
  RUN(readouts_beside_a_query_without_an_answer);
  RUN(a_batch_that_sees_nothing);
  RUN(null_pattern_is_softmax_1);
  RUN(null_pattern_is_a_key_of_zeros);
  RUN(null_pattern_beside_late_scores);
  RUN(null_pattern_refused);
  RUN(null_weight_of_a_known_state);
  RUN(scores_keep_their_digits);
  RUN(late_scores_of_any_size);
  RUN(own_settings_are_a_batch_of_one);
  RUN(own_settings_out_of_range);
  RUN(exponentials_beyond_double);
  RUN(a_state_beyond_the_largest);
  RUN(one_fold_needs_no_second_place);
  RUN(answers_of_a_readout);
#ifdef HFY_HAS_INDEX_
  RUN(own_settings_with_an_index);
#endif
  return CHECK_END();
}
