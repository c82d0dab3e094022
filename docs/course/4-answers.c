/* 4-answers.c: sparsemax by hand, margins of alpha-entmax, and the least beta at which every pattern stands. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>

enum { D = 16, N = 50 };
static hfy_real x[N * D];

static void must(hfy_status status) {
  if (status) exit(fprintf(stderr, "%s\n", hfy_status_text(status)));
}

static int stand(double beta, double *least) {
  const hfy_net net = {.dim = D, .count = N, .keys = x, .beta = beta, .sep.kind = HFY_SEP_SPARSEMAX};
  unsigned char stationary[N];
  double separation[N];
  const hfy_theory_separation told = {.separation = separation, .stationary = stationary};
  int many = 0;
  must(hfy_theory_separate(&net, &told, NULL));
  *least = HUGE_VAL;
  for (int i = 0; i < N; i++) many += stationary[i], *least = fmin(*least, separation[i]);
  return many;
}

int main(void) {
  const hfy_real theta[4] = {1.2f, 0.8f, 0.4f, -0.3f};
  hfy_rng rng = hfy_rng_seed(1);
  hfy_sep sep = {.kind = HFY_SEP_SPARSEMAX};
  hfy_real y[4];
  double least, ignored;
  must(hfy_sep_apply(&sep, theta, 1, 4, y, NULL));
  printf("sparsemax(1.2, 0.8, 0.4, -0.3) = (%.2f, %.2f, %.2f, %.2f)\n", (double)y[0], (double)y[1], (double)y[2],
         (double)y[3]);

  puts("\nalpha  margin  weight at the margin  at 0.9 of it");
  sep.kind = HFY_SEP_ENTMAX;
  for (sep.alpha = 1.25; sep.alpha < 5; sep.alpha *= 2) {
    const hfy_real at[2] = {(hfy_real)hfy_sep_margin(&sep), 0}, below[2] = {(hfy_real)(0.9 * hfy_sep_margin(&sep)), 0};
    must(hfy_sep_apply(&sep, at, 1, 2, y, NULL));
    must(hfy_sep_apply(&sep, below, 1, 2, y + 2, NULL));
    printf("%5.2f %7.3f %21.4f %13.4f\n", sep.alpha, hfy_sep_margin(&sep), (double)y[0], (double)y[2]);
  }

  for (int i = 0; i < N * D; i++) x[i] = (hfy_real)hfy_rng_normal(&rng);
  must(hfy_post_apply(&(hfy_post){.kind = HFY_POST_L2, .radius = 4}, x, NULL, N, D, x, NULL));
  (void)stand(1, &least);
  printf("\nleast separation %.2f; patterns that stand at beta = 1/%.2f: %d; at 0.98 of that beta: %d\n", least, least,
         stand(1.001 / least, &ignored), stand(0.98 / least, &ignored));
  return 0;
}
