/* 3-attention.c: a modern Hopfield network is attention; and where its steps lead, for two values of beta. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>

enum { D = 8, N = 6, WIDE = 3, STARTS = 4 };
static const hfy_real points[] = {0.9f, 0.3f, 0.2f, 0.9f, -0.8f, 0.6f, -0.7f, -0.7f, 0.6f, -0.8f};
static const hfy_real starts[STARTS][2] = {{-0.1f, 1.3f}, {1.3f, -0.3f}, {-1.3f, -0.2f}, {-0.4f, 0.3f}};
static hfy_work work;

static void must(hfy_status status) {
  if (!status) return;
  fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message);
  exit(1);
}

/* softmax(beta K q)' V by loops: MHN (10) for one query. */
static void attend(const hfy_real *k, const hfy_real *v, const hfy_real *q, double beta, double *out) {
  double p[N], sum = 0;
  for (int i = 0; i < N; i++) {
    double score = 0;
    for (int d = 0; d < D; d++) score += (double)(k[i * D + d] * q[d]);
    sum += p[i] = exp(beta * score);
  }
  for (int c = 0; c < WIDE; c++) {
    out[c] = 0;
    for (int i = 0; i < N; i++) out[c] += p[i] / sum * (double)v[i * WIDE + c];
  }
}

int main(void) {
  hfy_real k[N * D], v[N * WIDE], q[D], out[WIDE];
  hfy_net attention = {.dim = D, .count = N, .keys = k, .readout = v, .readout_dim = WIDE}; /* beta: 1/sqrt(D) */
  hfy_rng rng = hfy_rng_seed(3);
  double loops[WIDE], off = 0;
  for (int i = 0; i < N * D; i++) k[i] = (hfy_real)hfy_rng_normal(&rng);
  for (int i = 0; i < N * WIDE; i++) v[i] = (hfy_real)hfy_rng_normal(&rng);
  for (int i = 0; i < D; i++) q[i] = (hfy_real)hfy_rng_normal(&rng);
  must(hfy_retrieve(&attention, q, 1, out, NULL, &work));
  attend(k, v, q, 1 / sqrt(D), loops);
  for (int c = 0; c < WIDE; c++) off = fmax(off, fabs((double)out[c] - loops[c]));
  printf("loops and net agree to 1e-6: %s\n\n# beta start step     q_1    q_2       E\n", off < 1e-6 ? "yes" : "no");

  for (double beta = 2; beta < 9; beta += 6)
    for (int s = 0; s < STARTS; s++) {
      hfy_net net = {.dim = 2, .count = 5, .keys = points, .beta = beta};
      hfy_real at[2] = {starts[s][0], starts[s][1]};
      double moved = 1, energy, constant;
      hfy_report report = {.residual = &moved};
      must(hfy_energy_constant(&net, HFY_ENERGY_PAPER, &constant, &work));
      for (int step = 0; step < 7; step++) {
        must(hfy_energy(&net, at, 1, &energy, &work));
        printf("%6.0f %5d %4d  %6.2f %6.2f  %6.3f\n", beta, s, step, (double)at[0], (double)at[1], energy + constant);
        must(hfy_retrieve(&net, at, 1, at, &report, &work));
      }
    }
  hfy_work_free(&work);
  return 0;
}
