/* 3-answers.c: the slope of the energy, how the retrieval error falls with beta, and when there is one fixed point. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>

static const hfy_real points[] = {0.9f, 0.3f, 0.2f, 0.9f, -0.8f, 0.6f, -0.7f, -0.7f, 0.6f, -0.8f};
static hfy_work work;

static void must(hfy_status status) {
  if (!status) return;
  fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message);
  exit(1);
}

int main(void) {
  hfy_net net = {.dim = 2, .count = 5, .keys = points, .beta = 8};
  const hfy_real q[2] = {0.3f, -0.4f};
  hfy_real slope[2], next[2], ends[20], starts[20];
  hfy_rng rng = hfy_rng_seed(1);
  double off = 0, apart = 0, spread = 0, mean[2] = {0, 0};
  must(hfy_retrieve(&net, q, 1, next, NULL, &work));
  must(hfy_energy_gradient(&net, q, 1, slope, &work));
  for (int d = 0; d < 2; d++) off = fmax(off, fabs((double)(q[d] - slope[d] - next[d])));
  printf("q less the slope of E is the next state: %s\n", off < 1e-6 ? "yes" : "no");

  puts("\nbeta  error of pattern 2   bound (MHN A391)");
  for (net.beta = 8; net.beta < 40; net.beta += 8) {
    hfy_theory_convergence c;
    must(hfy_theory_converges(&net, 2, NULL, &c, &work));
    printf("%4.0f %19.0e %19.0e\n", net.beta, c.error, c.error_closed);
  }

  for (int i = 0; i < 10; i++) mean[i % 2] += (double)points[i] / 5;
  for (int i = 0; i < 10; i += 2)
    spread = fmax(spread, hypot((double)points[i] - mean[0], (double)points[i + 1] - mean[1]));
  net.beta = 0.99 / (spread * spread), net.max_steps = 1000, net.tol = 1e-6;
  for (int i = 0; i < 20; i++) starts[i] = (hfy_real)(2 * hfy_rng_normal(&rng));
  must(hfy_retrieve(&net, starts, 10, ends, NULL, &work));
  for (int i = 2; i < 20; i++) apart = fmax(apart, fabs((double)(ends[i] - ends[i % 2])));
  printf("\nbeta = 0.99/m_max^2 = %.2f: ten random starts end at one point: %s\n", net.beta,
         apart < 1e-3 ? "yes" : "no");
  hfy_work_free(&work);
  return 0;
}
