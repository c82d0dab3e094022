/* rate.h: sums that both programs of graded networks take. */
#ifndef RATE_H
#define RATE_H

#include "../../hfy.h"
#include <stdlib.h>

static double total(const double *x, size_t n) {
  double s = 0;
  size_t i;
  for (i = 0; i < n; i++) s += x[i];
  return s;
}

static double squares(const double *x, size_t n) {
  double s = 0;
  size_t i;
  for (i = 0; i < n; i++) s += x[i] * x[i];
  return s;
}

/* How many of p patterns of n units have a negative abscissa with slope 0 for silent units: what the paper counts. */
static hfy_status below_0(const hfy_rate *one, const double *w, const double *r, size_t p, size_t n, size_t *below,
                          hfy_work *work) {
  double *re = (double *)malloc(2 * n * sizeof *re);
  hfy_status status = re ? HFY_OK : HFY_ERR_NOMEM;
  size_t mu;
  for (mu = *below = 0; !status && mu < p; mu++) {
    status = hfy_rate_spectrum(one, w, r + mu * n, n, re, re + n, NULL, work);
    *below += !status && re[0] < -1e-9;
  }
  free(re);
  return status;
}

#endif
