/* retrieve: random nets (drawn as test_plain.c does), sound or wild: hfy_retrieve is its definition to the bit, small
   sound ones are near a slow answer in long double; answers are finite, weights feasible; energies, their slopes and
   gradients keep the rule, too. */
#define HFY_ONLY_NET
#define HFY_ONLY_INDEX
#define HFY_ONLY_STRUCTURE
#include "fuzz.h"
#include "../oracle.h"

static CHECK_UNUSED int test_main(int argc, char **argv);
#define main test_main
#include "../test_plain.c"
#undef main

/* One step of a net whose weights are smooth in its scores, near the same in long double. */
static void near_oracle(const hfy_net *net, size_t n_queries) {
  static oracle_memory m;
  const hfy_sep_kind kind = net->sep.kind;
  const int smooth = kind == HFY_SEP_SOFTMAX || kind == HFY_SEP_SPARSEMAX || kind == HFY_SEP_IDENTITY ||
                     (kind == HFY_SEP_KSUBSETS && !(net->sep.rho > 0)) ||
                     (kind == HFY_SEP_ENTMAX && net->sep.alpha >= 1 && net->sep.alpha <= 2);
  wide states[2 * ORACLE_DIM], p[ORACLE_COUNT], out[ORACLE_DIM];
  size_t j, d, width = net->readout ? net->readout_dim : net->dim;
  hfy_net one = *net;
  if (!smooth || net->count > ORACLE_COUNT || net->dim > ORACLE_DIM || n_queries > ORACLE_QUERIES || net->sep.plus ||
      net->beta > 3 || net->post.kind > HFY_POST_TANH || net->post.beta > 3)
    return;
  one.max_steps = 1;
  oracle_load(&m, &one, queries, n_queries);
  if (hfy_retrieve(&one, queries, n_queries, fast.out, NULL, &fuzz_work)) return;
  for (j = 0; j < n_queries; j++) {
    oracle_retrieve(&m, j, 1, states, p, out);
    for (d = 0; d < width; d++) CHECK_NEAR(fast.out[j * width + d], out[d], 2e4 * REAL_EPS);
  }
}

static void derivatives(const hfy_net *net, size_t n_queries) {
  const size_t width = net->readout ? net->readout_dim : net->dim, room = n_queries * net->dim * sizeof(hfy_real);
  hfy_real *slope = (hfy_real *)fuzz_output(room), *dout;
  double *energy = (double *)fuzz_output(n_queries * sizeof *energy), *beta;
  hfy_grad grad;
  hfy_status status = hfy_energy(net, queries, n_queries, energy, &fuzz_work);
  size_t i;
  fuzz_outputs = n_queries == 1 ? 2 : 0; /* in a batch others are answered */
  if (fuzz_kept("hfy_energy", status))
    for (i = 0; i < n_queries; i++) CHECK(energy[i] <= HUGE_VAL);
  slope = (hfy_real *)fuzz_output(room);
  status = hfy_energy_gradient(net, queries, n_queries, slope, &fuzz_work);
  if (n_queries > 1) fuzz_outputs = 0;
  if (fuzz_kept("hfy_energy_gradient", status)) CHECK(fuzz_finite_reals(slope, n_queries * net->dim));
  memset(&grad, 0, sizeof grad);
  dout = fuzz_reals(n_queries * width, fuzz_below(3) > 0);
  grad.queries = (hfy_real *)fuzz_output(room),
  grad.keys = (hfy_real *)fuzz_output(net->count * (net->dim + 3) * sizeof *dout);
  grad.implicit = !fuzz_below(6) && !net->readout;
  grad.beta = beta = (double *)fuzz_output(sizeof *beta);
  status = hfy_retrieve_vjp(net, queries, n_queries, dout, &grad, &fuzz_work);
  if (n_queries > 1 || net->max_steps > 1) fuzz_outputs = 0; /* others, steps after the one that failed */
  fuzz_kept("hfy_retrieve_vjp", status);
}

static void fuzz(void) {
  const size_t n_queries = fuzz_below(4) ? 1 + fuzz_below(3) : 1 + fuzz_below(MAX_Q);
  const int wild = fuzz_below(3) == 0, which = (int)fuzz_below(4);
  size_t width, j;
  hfy_report report;
  hfy_status status;
  hfy_net net;
  if (!fast.weights) {
    fast.weights = (hfy_real *)malloc((size_t)MAX_Q * MAX_N * sizeof *fast.weights);
    plain.weights = (hfy_real *)malloc((size_t)MAX_Q * MAX_N * sizeof *plain.weights);
  }
  random_net(&fuzz_any, &net, n_queries, wild);
  width = net.readout ? net.readout_dim : net.dim;
  if (!runs_sums(&net.sep) || which > 1) compare(&net, n_queries, which, 0, HFY_ISA_BEST);
  report = report_into(&fast, 3);
  status = hfy_retrieve(&net, queries, n_queries, fast.out, &report, &fuzz_work);
  fuzz_kept("hfy_retrieve", status);
  for (j = 0; j < n_queries; j++) {
    if (fast.status[j] == HFY_OK)
      CHECK(fuzz_finite_reals(fast.out + j * width, width) && feasible(&net, j, fast.weights + j * net.count) &&
            fast.residual[j] >= 0 && fast.best[j] < net.count);
    else
      CHECK((double)fast.out[j * width] == (double)fast.out[MAX_Q * MAX_D - 1]); /* 0x55 still */
  }
  if (!wild) near_oracle(&net, n_queries);
  derivatives(&net, n_queries);
}
