/* rate.h: sums that both programs of graded networks take. */
#ifndef RATE_H
#define RATE_H

#include <stddef.h>

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

#endif
