/* 7-answers.c: patterns are fixed points; a threshold that is too high; how many patterns a row of weights can hold. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>

enum { UNITS = 200, COUNT = 20, LOOKED = 5 };
static double r[UNITS * UNITS], w[UNITS * UNITS];
static hfy_work work;

static void must(hfy_status status) {
  if (status) exit(fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message));
}

int main(void) {
  hfy_rate unit = {.power = 1, .sigma = 1};
  hfy_rate_averages at;
  hfy_rng rng = hfy_rng_seed(1);
  double off = 0;
  must(hfy_rate_theory(&unit, 1, 1, &at, &work));
  unit.theta = at.theta;
  must(hfy_rate_patterns(&rng, 1, 1, COUNT, UNITS, r, &work));
  must(hfy_rate_weights(&unit, r, COUNT, UNITS, 0, w, &work));
  for (int k = 0; k < COUNT * UNITS; k++) {
    double v = -unit.theta;
    for (int j = 0; j < UNITS; j++) v += w[k % UNITS * UNITS + j] * r[k / UNITS * UNITS + j];
    off = fmax(off, fabs(hfy_rate_g(&unit, v) - r[k]) / (1 + r[k]));
  }
  printf("g(W r - theta) is r to 1e-9 for all patterns: %s\n", off < 1e-9 ? "yes" : "no");

  puts("\ntheta - theta*   lambda_ave   both outliers, larger   measured abscissa");
  for (double up = 0; up < 2.5; up += 0.5) {
    double abscissa[LOOKED], mean = 0;
    unit.theta = at.theta_bulk + up;
    must(hfy_rate_theory(&unit, 1, 0, &at, &work));
    must(hfy_rate_weights(&unit, r, COUNT, UNITS, 0, w, &work));
    must(hfy_rate_stability(&unit, w, r, LOOKED, UNITS, abscissa, NULL, &work));
    for (int mu = 0; mu < LOOKED; mu++) mean += abscissa[mu] / LOOKED;
    printf("%14.1f %12.2f %23.2f %19.2f\n", up, at.lambda_ave, at.outlier_re[0], mean);
  }

  puts("");
  for (size_t count = 18; count < 21; count++) {
    const hfy_status status = hfy_rate_weights(&unit, r, count, 20, 0, w, NULL);
    printf("20 units, %d patterns: %s\n", (int)count, hfy_status_text(status));
  }
  hfy_work_free(&work);
  return 0;
}
