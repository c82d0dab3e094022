/* attractors.c: graded patterns as fixed points of a rate network, and whether one falls back into them.

       cc -std=c99 -O2 attractors.c -o attractors -lm && ./attractors

   Patterns of positive rates (mean 1) are stored as fixed points of  dr/dt = -r + g(W r - theta).  That is possible up
   to one pattern a unit, but fixed points are of use only where they are stable, and that ends far earlier, at a
   critical load alpha_S. Below it a disturbed pattern comes back; above it the same disturbance grows.

   Try:  ./attractors 2 1 0.7     rates of another spread, another exponent and smoothness of the units */
#include "../hfy.h"

#include <stdio.h>
#include <stdlib.h>

enum { UNITS = 120, LOOKED = 6 };

static double w[UNITS * UNITS], patterns[UNITS * UNITS], start[LOOKED * UNITS], end[LOOKED * UNITS];

static int complain(const char *what, hfy_status status, const hfy_work *work) {
  fprintf(stderr, "%s: %s: %s\n", what, hfy_status_text(status), work->message);
  return 1;
}

static double distance(const double *x, const double *y) {
  double off = 0, size = 0;
  size_t i;
  for (i = 0; i < UNITS; i++) {
    off += (x[i] - y[i]) * (x[i] - y[i]);
    size += y[i] * y[i];
  }
  return sqrt(off / size);
}

int main(int argc, char **argv) {
  static const double loads[] = {0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6};
  const double cv = argc > 1 ? atof(argv[1]) : 2;
  hfy_rate unit = {0, 0, 0, NULL};
  hfy_rate_averages theory;
  hfy_work work = {0};
  hfy_status status;
  double corrected = 0;
  size_t k;

  unit.power = argc > 2 ? atof(argv[2]) : 1;
  unit.sigma = argc > 3 ? atof(argv[3]) : 1;

  /* what theory says: the best threshold, and the load at which stability ends */
  status = hfy_rate_theory(&unit, cv, 1, &theory, &work);
  if (status) return complain("theory", status, &work);
  unit.theta = theory.theta;
  status = hfy_rate_bulk_load(&unit, cv, 0, unit.power > 1 ? UNITS : 0, &corrected, &work);
  if (status) return complain("theory", status, &work);
  if (theory.outlier_re[0] >= 0) corrected = 0;
  printf("%d units, g(v) = softplus(v)^%g of smoothness %g, rates of mean 1 and spread %g\n", UNITS, unit.power,
         unit.sigma, cv);
  printf("threshold %.3f; theory: stable up to load %.3f (the paper's formula), %.3f (corrected)\n\n", unit.theta,
         theory.alpha_s, corrected);
  printf("  load  patterns  stable  abscissa    disturbed by   after time 100    what became of it\n");

  for (k = 0; k < sizeof loads / sizeof *loads; k++) {
    const size_t count = (size_t)(loads[k] * UNITS + 0.5), looked = count < LOOKED ? count : LOOKED;
    hfy_rng rng = hfy_rng_seed(1);
    hfy_rate_options options = {0};
    double abscissa[LOOKED], mean = 0, before = 0, after = 0;
    size_t stable = 0, mu;

    status = hfy_rate_patterns(&rng, cv, 1, count, UNITS, patterns, &work);
    if (!status) status = hfy_rate_weights(&unit, patterns, count, UNITS, 0, w, &work);
    if (!status) status = hfy_rate_stability(&unit, w, patterns, looked, UNITS, abscissa, &stable, &work);
    if (status) return complain("weights", status, &work);

    /* every unit of the pattern off by a few per cent, then 100 time constants */
    status = hfy_rate_perturb(&rng, patterns, looked, UNITS, 0.05, 0, start, &work);
    options.duration = 100;
    options.tol = -1; /* to the end of that time */
    options.rtol = 1e-6;
    if (!status) status = hfy_rate_simulate(&unit, w, UNITS, start, looked, &options, end, NULL, &work);
    if (status) return complain("simulation", status, &work);
    for (mu = 0; mu < looked; mu++) {
      mean += abscissa[mu] / (double)looked;
      before += distance(start + mu * UNITS, patterns + mu * UNITS) / (double)looked;
      after += distance(end + mu * UNITS, patterns + mu * UNITS) / (double)looked;
    }
    printf("  %.2f  %5lu     %lu of %lu  %8.4f     %8.4f       %8.4f         %s\n", loads[k], (unsigned long)count,
           (unsigned long)stable, (unsigned long)looked, mean, before, after,
           after < 0.2 * before ? "comes back" : after < before ? "comes back slowly" : "drifts away");
  }
  printf("\nabscissa: the largest real part of the Jacobian at a pattern; below 0 it is stable.\n");
  hfy_work_free(&work);
  return 0;
}
