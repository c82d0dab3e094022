/* rate_load.c: the load at which half of the patterns are stable, with self-coupling: (19), the edge of the bulk, bulk
   and outliers, the same from samples of N rates (the median over patterns), and networks of N units.

       rate_load DIRECTORY UNITS PATTERNS SEEDS [SETS]    for instance rate_load build 2000 10 3

   Beside zeros the eigenvalues of diag(d) V R+ are those of the P x P matrix R+ diag(d) V, which is what is solved.
   Measured: bisection on the number of patterns between 0 and twice the largest prediction, the first PATTERNS looked
   at; seeds 1 .. SEEDS. SETS: only so many of the units. */
#ifndef HFY_DOUBLE
#define HFY_DOUBLE
#endif
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include "reproduce.h"

static hfy_work work;

static double *doubles(size_t n) { return (double *)allocate(n, sizeof(double)); }
static void must(hfy_status status) { check(status, &work); }

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* Are at least half of the first `looked` of p patterns stable? */
static int holds(const hfy_rate *one, const double *r, size_t p, size_t n, size_t looked) {
  double *keys = doubles(p * n), *values = doubles(p * n), *own = doubles(n), *m = doubles(p * p), *re = doubles(2 * p);
  size_t mu, a, b, i, stable = 0;
  hfy_net net;
  must(hfy_rate_net(one, r, p, n, 1, 1, keys, values, own, &net, &work)); /* keys R+, values V, as rows */
  if (looked > p) looked = p;
  for (mu = 0; mu < looked; mu++) {
    for (i = 0; i < n; i++) own[i] = hfy_rate_slope_at(one, r[mu * n + i]);
    for (a = 0; a < p; a++)
      for (b = 0; b < p; b++) {
        double s[4] = {0, 0, 0, 0};
        for (i = 0; i + 4 <= n; i += 4) {
          s[0] += keys[a * n + i] * own[i] * values[b * n + i];
          s[1] += keys[a * n + i + 1] * own[i + 1] * values[b * n + i + 1];
          s[2] += keys[a * n + i + 2] * own[i + 2] * values[b * n + i + 2];
          s[3] += keys[a * n + i + 3] * own[i + 3] * values[b * n + i + 3];
        }
        for (; i < n; i++) s[0] += keys[a * n + i] * own[i] * values[b * n + i];
        m[a * p + b] = s[0] + s[1] + s[2] + s[3];
      }
    must(hfy_eigenvalues(m, p, re, re + p, &work));
    stable += re[0] < 1 - 1e-9;
  }
  free(keys), free(values), free(own), free(m), free(re);
  return 2 * stable >= looked;
}

static double measured(const hfy_rate *one, double cv, size_t n, size_t looked, double most, uint64_t seed) {
  size_t low = 0, high = (size_t)(most * (double)n);
  double *r;
  hfy_rng rng = hfy_rng_seed(seed);
  if (high > n) high = n;
  r = doubles(high * n);
  must(hfy_rate_patterns(&rng, cv, 1, high, n, r, &work));
  while (high - low > 1 + n / 400) {
    const size_t mid = (low + high) / 2;
    if (holds(one, r, mid, n, looked))
      low = mid;
    else
      high = mid;
  }
  free(r);
  return 0.5 * (double)(low + high) / (double)n;
}

/* The median of the critical loads of single patterns of n units at the threshold of `one`. */
static double own_averages(const hfy_rate *one, double cv, size_t n) {
  double *r = doubles(n), loads[41];
  hfy_rng rng = hfy_rng_seed(1000);
  hfy_rate_rates rates = {0, 0, NULL, NULL, 0};
  size_t k;
  rates.r = r, rates.n = n;
  for (k = 0; k < 41; k++) {
    must(hfy_rate_patterns(&rng, cv, 1, 1, n, r, &work));
    must(hfy_rate_critical_load(one, &rates, 1, &loads[k], &work));
  }
  qsort(loads, 41, sizeof *loads, ascending);
  free(r);
  return loads[20];
}

int main(int argc, char **argv) {
  static const double units[][3] = {{1, 0.1, 1}, {1, 2, 0.5}, {1.05, 1, 1}, {1, 1, 1}, {1, 1, 2}, {1, 1, 4},
                                    {1.02, 1.5, 2}, {0.9, 1, 1}};
  const size_t n = argc > 4 ? (size_t)strtoul(argv[2], NULL, 10) : 0;
  const size_t looked = argc > 4 ? (size_t)strtoul(argv[3], NULL, 10) : 0;
  const size_t seeds = argc > 4 ? (size_t)strtoul(argv[4], NULL, 10) : 0;
  char path[1000];
  FILE *file;
  size_t c, k, sets = argc > 5 ? (size_t)strtoul(argv[5], NULL, 10) : sizeof units / sizeof *units;
  if (sets > sizeof units / sizeof *units) sets = sizeof units / sizeof *units;
  if (n < 20 || !looked || !seeds) {
    fprintf(stderr, "usage: rate_load DIRECTORY UNITS PATTERNS SEEDS [SETS]\n");
    return 2;
  }
  snprintf(path, sizeof path, "%s/rate_load_%lu.csv", argv[1], (unsigned long)n);
  file = fopen(path, "w");
  if (!file) perror(path), exit(1);
  fprintf(file, "power,sigma,cv,units,seed,paper,bulk,bulk_and_outliers,own_averages,measured\n");
  for (c = 0; c < sets; c++) {
    hfy_rate one = {0, 0, 0, NULL};
    hfy_rate_rates rates = {0, 0, NULL, NULL, 0};
    hfy_rate_averages t;
    double bulk, both, own, most;
    one.power = units[c][0], one.sigma = units[c][1], rates.cv = units[c][2];
    rates.units = one.power > 1 ? n : 0;
    must(hfy_rate_theory(&one, rates.cv, 1, &t, &work));
    one.theta = t.theta;
    must(hfy_rate_bulk_load(&one, rates.cv, 1, rates.units, &bulk, &work));
    must(hfy_rate_critical_load(&one, &rates, 1, &both, &work));
    own = own_averages(&one, rates.cv, n);
    most = 2 * (t.alpha_s > bulk ? t.alpha_s : bulk) + 0.01;
    if (most * (double)n > 1200) most = 1200 / (double)n; /* what there is time for */
    for (k = 0; k < seeds; k++) {
      fprintf(file, "%g,%g,%g,%lu,%lu,%.4f,%.4f,%.4f,%.4f,%.4f\n", one.power, one.sigma, rates.cv, (unsigned long)n,
              (unsigned long)k + 1, t.alpha_s, bulk, both, own,
              measured(&one, rates.cv, n, looked, most > 0.95 ? 0.95 : most, k + 1));
      fflush(file);
    }
  }
  fclose(file);
  hfy_work_free(&work);
  return 0;
}
