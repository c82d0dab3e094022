/* test_net_more.c: a null pattern: softmax_1, rows that see nothing, the same as one more key of zeros, what refuses it. */
#ifndef TEST_LINKED
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "nets.h"

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
    CHECK(best[0] == 2 && null[1] == 1 && null[2] == 1 && best[1] == 0 && score[1] < -1e30);
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
        hfy_real null[B], weights[B * N], wide[B * (N + 1)], out[B * MAX_D], score[2][B], dq[2][B * D];
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
        b.weights = wide, b.null_weight = NULL;
        if (way != 1 && post_has_energy(p)) a.energy = energy[0], b.energy = energy[1];
        CHECK(hfy_retrieve(&more.net, f.queries, B, out, &b, NULL) == HFY_OK);
        CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &a, NULL) == HFY_OK);
        for (j = 0; j < B * (way == 2 ? 3u : D); j++) CHECK_NEAR(f.out[j], out[j], exact ? 0 : 100 * REAL_EPS);
        for (j = 0; j < B; j++) {
          for (i = 0; i < N; i++) CHECK_NEAR(weights[j * N + i], wide[j * (N + 1) + i], exact ? 0 : 100 * REAL_EPS);
          CHECK_NEAR(null[j], wide[j * (N + 1) + N], exact ? 0 : 100 * REAL_EPS);
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

/* What asks for it where there is none of it. */
TEST(null_pattern_refused) {
  fixture f;
  hfy_work work;
  hfy_grad grad;
  hfy_structure sequence = hfy_structure_sequence(6, 2);
  hfy_recall how;
  double number = 0;
  int s;
  memset(&work, 0, sizeof work), memset(&grad, 0, sizeof grad), memset(&how, 0, sizeof how);
  make(&f, 900, 6, 4, 2);
  for (s = 0; s < SEPS + 2; s++) {
    const int bad = sep_is_unbounded(s) || s == 2 || s >= SEPS;
    use_sep(&f, s);
    if (s == SEPS) f.net.sep.kind = HFY_SEP_SEQUENCE_KSUBSETS;
    if (s == SEPS + 1) f.net.sep.kind = HFY_SEP_SPARSEMAP, f.net.sep.structure = &sequence;
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
  CHECK_FAILS(hfy_theory_retrieves(&f.net, f.queries, 2, &number, NULL, &work), HFY_ERR_UNSUPPORTED, &work,
              "null_pattern");
  hfy_work_free(&work);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(null_pattern_is_softmax_1);
  RUN(null_pattern_is_a_key_of_zeros);
  RUN(null_pattern_refused);
  return CHECK_END();
}
