/* 7-graded.c: graded patterns as fixed points of a rate network: stored is one thing, stable another. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>

enum { UNITS = 200, LOOKED = 5 };
static double r[UNITS * UNITS], w[UNITS * UNITS], start[LOOKED * UNITS], end[LOOKED * UNITS];
static hfy_work work;

static void must(hfy_status status) {
  if (status) exit(fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message));
}

/* Mean distance of the first patterns from `x`, over their lengths. */
static double off(const double *x, size_t looked) {
  double sum = 0;
  for (size_t mu = 0; mu < looked; mu++) {
    double apart = 0, length = 0;
    for (size_t i = mu * UNITS; i < (mu + 1) * UNITS; i++) apart += pow(x[i] - r[i], 2), length += r[i] * r[i];
    sum += sqrt(apart / length) / (double)looked;
  }
  return sum;
}

int main(void) {
  hfy_rate unit = {.power = 1, .sigma = 1};
  const hfy_rate_options options = {.duration = 60, .tol = -1, .dt = 0.2}; /* to the end of that time */
  hfy_rate_averages theory;
  const double cv = 1;
  must(hfy_rate_theory(&unit, cv, 1, &theory, &work));
  unit.theta = theory.theta;
  printf("theta* = %.3f, paper: alpha_S = %.3f\n\n", unit.theta, theory.alpha_s);
  puts("#  load  theory: bulk  its edge  measured: abscissa  stable   off before   after");
  for (size_t count = 10; count < 130; count += 10) {
    const double alpha = (double)count / UNITS;
    double abscissa[LOOKED], edge, mean = 0, before;
    hfy_rng rng = hfy_rng_seed(1);
    hfy_rate_load load;
    size_t stable;
    must(hfy_rate_at_load(&theory, alpha, &load, &work));
    must(hfy_rate_bulk_edge(&unit, cv, alpha, 0, UNITS, &edge, &work));
    must(hfy_rate_patterns(&rng, cv, 1, count, UNITS, r, &work));
    must(hfy_rate_weights(&unit, r, count, UNITS, 0, w, &work));
    must(hfy_rate_stability(&unit, w, r, LOOKED, UNITS, abscissa, &stable, &work));
    must(hfy_rate_perturb(&rng, r, LOOKED, UNITS, 0.05, 0, start, &work));
    before = off(start, LOOKED);
    must(hfy_rate_simulate(&unit, w, UNITS, start, LOOKED, &options, end, NULL, &work));
    for (int mu = 0; mu < LOOKED; mu++) mean += abscissa[mu] / LOOKED;
    printf("%7.2f %13.3f %9.3f %19.3f %4d of 5 %12.2f %7.2f\n", alpha, load.lambda_bulk, edge, mean, (int)stable,
           before, off(end, LOOKED));
  }
  hfy_work_free(&work);
  return 0;
}
