/* rate_figures.c: Figures 1 to 8 of Cohen, Lengyel, "Dynamical stability for dense patterns in discrete attractor neural
   networks", theory and experiment side by side, as CSV for rate_figures.gp.

       rate_figures FIGURE DIRECTORY N REPETITIONS [quick]

   FIGURE 1 .. 8, or 9: stability of sparse patterns over f and load, 10: rows that have weights under Dale's law, 11:
   units beside the best of theory, 12: a search for the units with the largest measured load, 13: Figure 6 e, 14: what
   the search of 200 units found, measured with N. N units; REPETITIONS independent problems a point; quick: fewer
   points. A run that is started again adds what its tables do not have (rows are keyed by parameters, N and seed): more
   repetitions cost only these. Progress goes to stderr. */
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include "rate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t N, repetitions;
static int quick;
static const char *directory;
static hfy_work work;

static double *doubles(size_t n) {
  double *x = (double *)calloc(n ? n : 1, sizeof *x);
  if (!x) fprintf(stderr, "out of memory\n"), exit(1);
  return x;
}

static void must(hfy_status status) {
  if (!status) return;
  fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message);
  exit(1);
}

static FILE *table(const char *name, const char *head) {
  char path[1000];
  FILE *file;
  snprintf(path, sizeof path, "%s/%s.csv", directory, name);
  file = fopen(path, "w");
  if (!file) perror(path), exit(1);
  setvbuf(file, NULL, _IOLBF, 1 << 12); /* a run that is stopped keeps every row it has */
  fprintf(file, "%s\n", head);
  return file;
}

/* A table that a later run adds to: its text, and the file that grows with it. */
typedef struct rows {
  FILE *file;
  char *text;
  size_t length;
} rows;

/* Opens the table, with the whole rows that it has. */
static rows resume(const char *name, const char *head) {
  char path[1000];
  rows t = {NULL, NULL, 0};
  long size = 0;
  snprintf(path, sizeof path, "%s/%s.csv", directory, name);
  t.file = fopen(path, "rb");
  if (t.file && (fseek(t.file, 0, SEEK_END) || (size = ftell(t.file)) < 0 || fseek(t.file, 0, SEEK_SET))) exit(1);
  t.text = (char *)calloc((size_t)size + strlen(head) + 2, 1);
  if (!t.text) fprintf(stderr, "out of memory\n"), exit(1);
  if (t.file) {
    t.length = fread(t.text, 1, (size_t)size, t.file), fclose(t.file);
    while (t.length && t.text[t.length - 1] != '\n') t.text[--t.length] = 0; /* a row that was cut off */
  }
  if (!t.length) t.length = (size_t)sprintf(t.text, "%s\n", head);
  if (strncmp(t.text, head, strlen(head)) || t.text[strlen(head)] != '\n')
    fprintf(stderr, "%s: other columns than %s; move it away\n", path, head), exit(1);
  t.file = fopen(path, "wb");
  if (!t.file) perror(path), exit(1);
  fputs(t.text, t.file), fflush(t.file);
  return t;
}

static void put(rows *t, const char *format, ...) {
  char row[1000];
  size_t n;
  va_list list;
  va_start(list, format);
  n = (size_t)vsnprintf(row, sizeof row, format, list);
  va_end(list);
  t->text = (char *)realloc(t->text, t->length + n + 1);
  if (!t->text) fprintf(stderr, "out of memory\n"), exit(1);
  memcpy(t->text + t->length, row, n + 1), t->length += n;
  fputs(row, t->file), fflush(t->file); /* a run that is stopped keeps every row it has */
}

/* What stands behind the row's first columns, or NULL: the row is still to be made. */
static const char *have(const rows *t, const char *format, ...) {
  char key[500] = "\n";
  const char *at;
  va_list list;
  va_start(list, format);
  vsnprintf(key + 1, sizeof key - 2, format, list);
  va_end(list);
  strcat(key, ",");
  at = strstr(t->text, key);
  return at ? at + strlen(key) : NULL;
}

static void leave(rows *t) { fclose(t->file), free(t->text); }

static void progress(const char *what, size_t done, size_t all) {
  fprintf(stderr, "\r%s: %lu of %lu ", what, (unsigned long)done, (unsigned long)all);
  if (done == all) fprintf(stderr, "\n");
  fflush(stderr);
}

static hfy_rate unit(double power, double sigma) {
  hfy_rate one = {0, 0, 0, NULL};
  one.power = power, one.sigma = sigma, one.theta = 0;
  return one;
}

static size_t count_of(double alpha, size_t n) {
  const size_t p = (size_t)(alpha * (double)n + 0.5);
  return p ? p : 1;
}

/* Share of the dense patterns that are stable at theta*. */
static double stable_share(hfy_rate one, double cv, double alpha, size_t n, uint64_t seed, size_t sample) {
  const size_t p = count_of(alpha, n), looked = sample < p ? sample : p;
  double *r = doubles(p * n), *w = doubles(n * n);
  hfy_rng rng = hfy_rng_seed(seed);
  hfy_rate_averages t;
  size_t stable = 0;
  must(hfy_rate_patterns(&rng, cv, 1, p, n, r, &work));
  must(hfy_rate_theory(&one, cv, 1, &t, &work));
  one.theta = t.theta;
  if (hfy_rate_weights(&one, r, p, n, 0, w, &work) == HFY_OK)
    must(hfy_rate_stability(&one, w, r, looked, n, NULL, &stable, &work));
  free(r), free(w);
  return (double)stable / (double)looked;
}

/* Are most of the first 5 patterns stable? */
static int most_stable(const hfy_rate *one, const double *r, size_t p, size_t n, double *w) {
  const size_t looked = p < 5 ? p : 5;
  size_t mu, good = 0, bad = 0, stable;
  if (hfy_rate_weights(one, r, p, n, 0, w, &work)) return 0;
  for (mu = 0; 2 * good <= looked && 2 * bad < looked; mu++) {
    must(hfy_rate_stability(one, w, r + mu * n, 1, n, NULL, &stable, &work));
    good += stable, bad += !stable;
  }
  return 2 * good > looked;
}

/* The load up to which most of 5 patterns of a problem are stable, at theta* + offset: 0.02, 0.1, 0.2 ..., then
   bisection to N/100 patterns; 0: not even 0.02. Every load ever measured stands in rate_loads.csv. */
static double half_load(hfy_rate one, double cv, double offset, size_t n, size_t seed) {
  static rows known;
  const char *at;
  double *r, *w, load = 0;
  size_t low = 0, high = 0, most = (size_t)(0.95 * (double)n), p;
  hfy_rng rng = hfy_rng_seed(seed);
  hfy_rate_averages t;
  if (!known.file) known = resume("rate_loads", "cv,power,sigma,offset,units,seed,load");
  at = have(&known, "%g,%g,%g,%g,%lu,%lu", cv, one.power, one.sigma, offset, (unsigned long)n, (unsigned long)seed);
  if (at) return atof(at);
  r = doubles(most * n), w = doubles(n * n);
  must(hfy_rate_theory(&one, cv, 1, &t, &work));
  must(hfy_rate_patterns(&rng, cv, 1, most, n, r, &work));
  one.theta = t.theta + offset;
  for (p = count_of(0.02, n); !high && low < most; p = count_of(load += 0.1, n))
    *(most_stable(&one, r, p < most ? p : most, n, w) ? &low : &high) = p;
  if (!high) high = low;
  while (low && high - low > 1 + n / 100) {
    p = (low + high) / 2;
    *(most_stable(&one, r, p, n, w) ? &low : &high) = p;
  }
  load = low ? 0.5 * (double)(low + high) / (double)n : 0;
  put(&known, "%g,%g,%g,%g,%lu,%lu,%g\n", cv, one.power, one.sigma, offset, (unsigned long)n, (unsigned long)seed,
      load);
  free(r), free(w);
  return load;
}

/* The mean of the problems first, first + 1, ...; spread (or NULL): its standard error. */
static double mean_load(hfy_rate one, double cv, double offset, size_t first, size_t problems, double *error) {
  double sum = 0, square = 0, n = (double)problems;
  size_t k;
  for (k = 0; k < problems; k++) {
    const double load = half_load(one, cv, offset, N, first + k);
    sum += load / n, square += load * load / n;
  }
  if (error) *error = problems > 1 && square > sum * sum ? sqrt((square - sum * sum) / (n - 1)) : 0;
  return sum;
}

/* Figure 1 a, f: activation curves, densities of the patterns */
static void curves(void) {
  static const double cvs[] = {0.5, 1, 2, 4}, units[][2] = {{0.5, 1}, {1, 0.1}, {1, 1}, {1.5, 1}};
  FILE *activation = table("rate_fig1_activation", "power,sigma,v,g");
  FILE *density = table("rate_fig1_density", "cv,r,density");
  size_t c, k;
  for (c = 0; c < 4; c++) {
    const hfy_rate one = unit(units[c][0], units[c][1]);
    const double s2 = log1p(cvs[c] * cvs[c]);
    for (k = 0; k <= 80; k++) {
      const double v = -2 + 0.05 * (double)k, r = pow(10, -2 + 0.04 * (double)k), z = log(r) + 0.5 * s2;
      fprintf(activation, "%g,%g,%g,%g\n", one.power, one.sigma, v, hfy_rate_g(&one, v));
      fprintf(density, "%g,%g,%g\n", cvs[c], r, exp(-0.5 * z * z / s2) / (r * sqrt(2 * 3.14159265358979 * s2)));
    }
  }
  fclose(activation), fclose(density);
}

/* A search from theta* - 2 to where lambda_ave leads: further down it is flat (to 1 % or so), and there the row sums,
   which grow without end, would be in the norms. */
static hfy_rate_search near_theta(const hfy_rate_averages *t, size_t sample, size_t grid, size_t steps) {
  hfy_rate_search o;
  memset(&o, 0, sizeof o);
  o.low = t->theta_bulk - 2, o.high = t->theta_ave, o.sample = sample, o.grid = grid, o.steps = steps;
  return o;
}

/* One problem of Figure 1: a row. */
static void weights_of(rows *file, hfy_rate one, double cv, double alpha, size_t k) {
  const size_t p = count_of(alpha, N), looked = p < 4 ? p : 4;
  double *r = doubles(p * N), *w = doubles(N * N), *j = doubles(N * N), *row = doubles(N), best, index;
  hfy_rng rng = hfy_rng_seed(k);
  hfy_rate_search o;
  hfy_rate_averages t;
  hfy_rate_load load;
  size_t stable, i;
  must(hfy_rate_theory(&one, cv, 1, &t, &work));
  o = near_theta(&t, 2, 5, 2);
  must(hfy_rate_patterns(&rng, cv, 1, p, N, r, &work));
  must(hfy_rate_threshold(&one, r, p, N, &o, &one.theta, &best, &work));
  must(hfy_rate_theory(&one, cv, 0, &t, &work));
  must(hfy_rate_at_load(&t, alpha, &load, &work));
  if (!hfy_rate_weights(&one, r, p, N, 0, w, &work)) {
    must(hfy_rate_stability(&one, w, r, looked, N, NULL, &stable, &work));
    must(hfy_rate_jacobian(&one, w, r, N, j, &work));
    must(hfy_rate_henrici(j, N, &index, &work));
    for (i = 0; i < N; i++) { /* insertion sort of the row norms */
      double v = squares(w + i * N, N);
      size_t at = i;
      for (; at && row[at - 1] > v; at--) row[at] = row[at - 1];
      row[at] = v;
    }
    put(file, "%g,%g,%g,%g,%lu,%lu,%g,%g,%g,%g,%g,%g,1,%g,%g,%g\n", one.power, one.sigma, cv, alpha, (unsigned long)N,
        (unsigned long)k, one.theta, total(w, N * N) / (double)N, load.weight_sum, sqrt(total(row, N) / (double)N),
        sqrt(load.weight_norm), sqrt(row[N / 2]), (double)stable / (double)looked, hfy_rate_asymmetry(w, N), index);
  } else
    put(file, "%g,%g,%g,%g,%lu,%lu,%g,nan,%g,nan,%g,nan,0,0,nan,nan\n", one.power, one.sigma, cv, alpha,
        (unsigned long)N, (unsigned long)k, one.theta, load.weight_sum, sqrt(load.weight_norm));
  free(r), free(w), free(j), free(row);
}

/* Figure 1: moments of the weights, stored and stable shares, asymmetry, non-normality; one row a problem */
static void figure1(void) {
  static const double sets[][3] = {/* power, sigma, cv: b c e, d, g h, i j */
                                   {0.5, 1, 1}, {1, 0.1, 1}, {1, 1, 1},     {1.5, 1, 1}, {0.5, 1, 2}, {1, 0.1, 2},
                                   {1, 1, 2},   {1.5, 1, 2}, {1.5, 1, 0.5}, {1.5, 1, 4}, {1, 1, 0.5}, {1, 1, 4}};
  static const double loads[] = {0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 0.95, 0.98};
  rows file = resume("rate_fig1", "power,sigma,cv,alpha,units,seed,theta,sum,sum_theory,norm,norm_theory,norm_median,"
                                  "stored,stable,asymmetry,henrici");
  size_t s, l, k;
  curves();
  for (k = 1; k <= repetitions; k++)
    for (s = 0; s < 12; s++)
      for (l = 0; l < 10; l++) {
        if (!have(&file, "%g,%g,%g,%g,%lu,%lu", sets[s][0], sets[s][1], sets[s][2], loads[l], (unsigned long)N,
                  (unsigned long)k))
          weights_of(&file, unit(sets[s][0], sets[s][1]), sets[s][2], loads[l], k);
        progress("figure 1", ((k - 1) * 12 + s) * 10 + l + 1, 120 * repetitions);
      }
  leave(&file);
}

/* Figure 2: spectra with what theory marks in them; the errors of the marks */
static void figure2(void) {
  static const double sets[][5] = {{1, 1, 1, 0.3, 0},     {1, 1, 2, 0.3, 0},   {1.5, 0.5, 1, 0.1, 0},
                                   {1.5, 0.5, 1, 0.1, 1}, {0.9, 1, 1, 0.3, 0}, {1.5, 0.5, 1, 0.1, -2}};
  static const double cvs[] = {0.5, 1, 2, 4};
  const size_t trials = quick ? 6 : 60;
  FILE *points = table("rate_fig2_points", "set,re,im");
  FILE *marks = table("rate_fig2_marks", "set,power,sigma,cv,alpha,theta,bulk,memory,average,edge,outlier");
  FILE *inset = table("rate_fig2_inset", "r,phi");
  rows errors = resume("rate_fig2_errors", "cv,units,seed,bulk,bulk_corrected,average,average_corrected,memory,"
                                           "correlation");
  size_t s, mu, i, k;
  for (s = 0; s < 6; s++) {
    const size_t p = count_of(sets[s][3], N);
    double *r = doubles(p * N), *w = doubles(N * N), *re = doubles(N), *im = doubles(N), edge;
    hfy_rate one = unit(sets[s][0], sets[s][1]);
    hfy_rng rng = hfy_rng_seed(20 + s);
    hfy_rate_averages t;
    hfy_rate_load load;
    must(hfy_rate_theory(&one, sets[s][2], 1, &t, &work));
    one.theta = t.theta + sets[s][4];
    must(hfy_rate_theory(&one, sets[s][2], 0, &t, &work));
    must(hfy_rate_at_load(&t, sets[s][3], &load, &work));
    must(hfy_rate_bulk_edge(&one, sets[s][2], sets[s][3], 0, one.power > 1 ? N : 0, &edge, &work));
    must(hfy_rate_patterns(&rng, sets[s][2], 1, p, N, r, &work));
    must(hfy_rate_weights(&one, r, p, N, 0, w, &work));
    for (i = 0; s == 0 && i < N; i++)
      fprintf(inset, "%g,%g\n", r[i], hfy_rate_slope_at(&one, r[i]) * (hfy_rate_inverse(&one, r[i]) + one.theta));
    fprintf(marks, "%d,%g,%g,%g,%g,%g,%g,%g,%g,%g,%g\n", (int)s, one.power, one.sigma, sets[s][2], sets[s][3],
            one.theta, load.lambda_bulk, t.lambda_mem, t.lambda_ave, edge, t.outlier_re[0]);
    for (mu = 0; mu < p && mu < (quick ? 3U : 10U); mu++) {
      must(hfy_rate_spectrum(&one, w, r + mu * N, N, re, im, NULL, &work));
      for (i = 0; i < N; i++) fprintf(points, "%d,%g,%g\n", (int)s, re[i], im[i]);
    }
    free(r), free(w), free(re), free(im);
    progress("figure 2, spectra", s + 1, 6);
  }
  for (s = 0; s < 4; s++)
    for (k = 0; k < trials; k++) {
      const size_t seed = 500 + 100 * s + k;
      hfy_rng rng = hfy_rng_seed(seed);
      const double cv = cvs[s], alpha = 0.05 + 0.4 * hfy_rng_uniform(&rng);
      const size_t p = count_of(alpha, N);
      double *r = doubles(p * N), *w = doubles(N * N), *re = doubles(N), *im = doubles(N), edge, a;
      hfy_rate one = unit(0.8 + 0.5 * hfy_rng_uniform(&rng), pow(10, -0.7 + hfy_rng_uniform(&rng)));
      hfy_rate_averages t, high;
      hfy_rate_load load;
      hfy_rate_modes m;
      if (have(&errors, "%g,%lu,%lu", cv, (unsigned long)N, (unsigned long)seed)) {
        free(r), free(w), free(re), free(im);
        continue;
      }
      must(hfy_rate_theory(&one, cv, 1, &t, &work));
      one.theta = t.theta;
      must(hfy_rate_at_load(&t, alpha, &load, &work));
      must(hfy_rate_bulk_edge(&one, cv, alpha, 0, one.power > 1 ? N : 0, &edge, &work));
      must(hfy_rate_patterns(&rng, cv, 1, p, N, r, &work));
      must(hfy_rate_weights(&one, r, p, N, 0, w, &work));
      must(hfy_rate_spectrum(&one, w, r, N, re, im, &m, &work));
      one.theta = t.theta_ave + 0.5; /* where the average mode leads */
      must(hfy_rate_theory(&one, cv, 0, &high, &work));
      must(hfy_rate_weights(&one, r, p, N, 0, w, &work));
      must(hfy_rate_stability(&one, w, r, 1, N, &a, NULL, &work));
      put(&errors, "%g,%lu,%lu,%g,%g,%g,%g,%g,%g\n", cv, (unsigned long)N, (unsigned long)seed,
          m.bulk - load.lambda_bulk, m.bulk - edge, a - high.lambda_ave, a - high.outlier_re[0],
          re[m.memory] - t.lambda_mem, m.correlation);
      free(r), free(w), free(re), free(im);
      progress("figure 2, errors", s * trials + k + 1, 4 * trials);
    }
  fclose(points), fclose(marks), leave(&errors), fclose(inset);
}

/* Figure 3: alpha_S over the plane of exponent and smoothness, and loads measured over it */
static void figure3(void) {
  static const double cvs[] = {0.5, 1, 2, 3, 4};
  const size_t powers = quick ? 41 : 101, sigmas = quick ? 36 : 141;
  const size_t p2 = quick ? 5 : 9, s2 = quick ? 4 : 8;
  FILE *theory = table("rate_fig3_theory", "cv,power,sigma,alpha_s,bulk,memory,tau");
  FILE *measured = table("rate_fig3_measured", "cv,power,sigma,theory,units,problems,load,error");
  size_t c, i, j, k;
  for (c = 0; c < 5; c++)
    for (i = 0; i < powers; i++)
      for (j = 0; j < sigmas; j++) {
        hfy_rate one = unit(0.6 + (double)i / (double)(powers - 1),
                            pow(10, -2 + 3.5 * (double)j / (double)(sigmas - 1)));
        hfy_rate_averages t;
        if (hfy_rate_theory(&one, cvs[c], 1, &t, &work)) continue;
        fprintf(theory, "%g,%g,%g,%g,%g,%g,%g\n", cvs[c], one.power, one.sigma, t.alpha_s, t.alpha_s_bulk,
                t.lambda_mem, t.tau_mem);
      }
  for (k = 1; k <= repetitions; k++)
    for (c = 0; c < 5; c++)
      for (i = 0; i < p2 * s2; i++) {
        const hfy_rate one = unit(0.8 + 0.5 * (double)(i / s2) / (double)(p2 - 1),
                                  pow(10, -1 + 1.75 * (double)(i % s2) / (double)(s2 - 1)));
        double error, load;
        hfy_rate_averages t;
        half_load(one, cvs[c], 0, N, k);
        progress("figure 3", ((k - 1) * 5 + c) * p2 * s2 + i + 1, 5 * p2 * s2 * repetitions);
        if (k < repetitions) continue;
        must(hfy_rate_theory(&one, cvs[c], 1, &t, &work));
        load = mean_load(one, cvs[c], 0, 1, repetitions, &error);
        fprintf(measured, "%g,%g,%g,%g,%lu,%lu,%g,%g\n", cvs[c], one.power, one.sigma, t.alpha_s, (unsigned long)N,
                (unsigned long)repetitions, load, error);
      }
  fclose(theory), fclose(measured);
}

static const char *sized(const char *name) {
  static char path[100];
  snprintf(path, sizeof path, "%s_%lu", name, (unsigned long)N);
  return path;
}

/* The place with the largest mean load over n, log10 sigma and the threshold less theta*: from the best of a few
   coarse places, steps along one axis, halved where none is better; problems 1, 2, 3. The six best are measured anew
   on problems 101 ... (the best of many is too good on its own problems): rate_search_N.csv has these. */
static void search(void) {
  static const double cvs[] = {0.5, 1, 2, 3, 4, 0.7, 1.4};
  static const double first[3] = {0.05, 0.2, 0.4}, starts[][2] = {{0.95, 0}, {1, -0.5}, {1, 0}, {1, 0.4}, {1.05, 0}};
  FILE *file = table(sized("rate_search"), "cv,power,sigma,offset,units,problems,load,error,as_searched,places");
  FILE *optima = table(sized("rate_optima"), "cv,power,sigma,alpha_s,units,problems,measured,error");
  size_t c, i, k, axis, round;
  for (c = 0; c < 7; c++) {
    double place[500][4], best[3], step[3], alpha_s, error;
    size_t places = 0, order[500];
    hfy_rate one;
    must(hfy_rate_optimum(cvs[c], NULL, &one, &alpha_s, &work));
    fprintf(optima, "%g,%g,%g,%g,%lu,%lu", cvs[c], one.power, one.sigma, alpha_s, (unsigned long)N,
            (unsigned long)repetitions);
    alpha_s = mean_load(one, cvs[c], 0, 101, repetitions, &error);
    fprintf(optima, ",%g,%g\n", alpha_s, error);
    memcpy(step, first, sizeof step);
    for (round = 0, k = 0; round < (quick ? 2U : 3U); k++) {
      double top = -1;
      int better = 0;
      for (i = 0; i < places; i++)
        if (place[i][3] > top) top = place[i][3], memcpy(best, place[i], sizeof best);
      for (i = 0; i < (k ? 6U : 5U) && places < 499; i++) {
        double at[3];
        size_t same;
        if (k) {
          memcpy(at, best, sizeof at);
          axis = i / 2, at[axis] += i % 2 ? -step[axis] : step[axis];
        } else
          at[0] = starts[i][0], at[1] = starts[i][1] + 0.3 * log2(cvs[c]), at[2] = 0;
        for (same = 0; same < places; same++)
          if (fabs(at[0] - place[same][0]) + fabs(at[1] - place[same][1]) + fabs(at[2] - place[same][2]) < 1e-9) break;
        if (same < places) continue;
        memcpy(place[places], at, sizeof at);
        place[places][3] = mean_load(unit(at[0], pow(10, at[1])), cvs[c], at[2], 1, 3, NULL);
        better |= place[places++][3] > top;
      }
      if (k && !better) round++, step[0] /= 2, step[1] /= 2, step[2] /= 2;
      progress("search", 100 * c + (places < 100 ? places : 99), 700);
    }
    for (i = 0; i < places; i++) { /* insertion sort, the best first */
      for (k = i; k && place[order[k - 1]][3] < place[i][3]; k--) order[k] = order[k - 1];
      order[k] = i;
    }
    for (i = 0, k = 0; i < places && k < 6; i++) { /* each n and sigma once, at its best threshold */
      const double *at = place[order[i]];
      size_t same = 0;
      while (same < i && (fabs(place[order[same]][0] - at[0]) > 1e-9 || fabs(place[order[same]][1] - at[1]) > 1e-9))
        same++;
      if (same < i) continue;
      alpha_s = mean_load(unit(at[0], pow(10, at[1])), cvs[c], at[2], 101, repetitions, &error);
      fprintf(file, "%g,%g,%g,%g,%lu,%lu,%g,%g,%g,%lu\n", cvs[c], at[0], pow(10, at[1]), at[2], (unsigned long)N,
              (unsigned long)repetitions, alpha_s, error, at[3], (unsigned long)places);
      k++;
    }
  }
  progress("search", 700, 700);
  fclose(file), fclose(optima);
}

/* The first three places that the search of 200 units found for each cv, and the best unit of (19), with N units. */
static void anew(void) {
  rows found = resume("rate_search_200", "cv,power,sigma,offset,units,problems,load,error,as_searched,places");
  FILE *file = table(sized("rate_anew"), "cv,power,sigma,offset,units,problems,load,error,predicted");
  const char *line;
  double last = 0;
  size_t places = 0;
  for (line = strchr(found.text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
    double cv, power, sigma, offset, error, load, alpha_s;
    hfy_rate one;
    if (sscanf(line + 1, "%lf,%lf,%lf,%lf", &cv, &power, &sigma, &offset) != 4) break;
    if (fabs(cv - last) > 1e-9) {
      places = 0, last = cv;
      must(hfy_rate_optimum(cv, NULL, &one, &alpha_s, &work));
      load = mean_load(one, cv, 0, 101, repetitions, &error);
      fprintf(file, "%g,%g,%g,0,%lu,%lu,%g,%g,1\n", cv, one.power, one.sigma, (unsigned long)N,
              (unsigned long)repetitions, load, error);
    }
    if (places++ >= 3) continue;
    load = mean_load(unit(power, sigma), cv, offset, 101, repetitions, &error);
    fprintf(file, "%g,%g,%g,%g,%lu,%lu,%g,%g,0\n", cv, power, sigma, offset, (unsigned long)N,
            (unsigned long)repetitions, load, error);
  }
  fclose(file), leave(&found);
}

/* The unit of this sigma with lambda_mem = `wanted` at theta*, by bisection on the exponent from 0.5 to its own. */
static hfy_rate inside(hfy_rate one, double cv, double wanted) {
  double low = 0.5, high = one.power;
  int k;
  for (k = 0; k < 40; k++) {
    hfy_rate_averages t;
    one.power = 0.5 * (low + high);
    must(hfy_rate_theory(&one, cv, 1, &t, &work));
    if (t.lambda_mem < wanted)
      low = one.power;
    else
      high = one.power;
  }
  return one;
}

/* Figure 4: the best unit for every cv by theory, loads measured there, and its best threshold */
static void figure4(void) {
  static const double cvs[] = {0.5, 0.7, 1, 1.4, 2, 3, 4};
  FILE *best = table("rate_fig4_best", "cv,power,sigma,alpha_s,theta,bulk,bulk_and_outliers");
  rows thresholds = resume("rate_fig4_theta", "cv,alpha,units,seed,theta,theta_bulk,abscissa");
  size_t c, k;
  for (k = 1; k <= repetitions; k++)
    for (c = 0; c < 7; c++) {
      hfy_rate one;
      hfy_rate_rates rates = {0, 0, NULL, NULL, 0};
      double alpha_s, edge, both, alpha;
      rates.cv = cvs[c];
      must(hfy_rate_optimum(cvs[c], NULL, &one, &alpha_s, &work));
      rates.units = one.power > 1 ? N : 0;
      must(hfy_rate_bulk_load(&one, cvs[c], 0, rates.units, &edge, &work));
      must(hfy_rate_critical_load(&one, &rates, 0, &both, &work));
      if (k == 1)
        fprintf(best, "%g,%g,%g,%g,%g,%g,%g\n", cvs[c], one.power, one.sigma, alpha_s, one.theta, edge, both);
      for (alpha = 0.05; alpha < alpha_s; alpha += quick ? 0.15 : 0.05) {
        const size_t p = count_of(alpha, N);
        double *r, x, y;
        hfy_rng rng = hfy_rng_seed(k);
        hfy_rate_search o;
        hfy_rate_averages t;
        if (have(&thresholds, "%g,%g,%lu,%lu", cvs[c], alpha, (unsigned long)N, (unsigned long)k)) continue;
        must(hfy_rate_theory(&one, cvs[c], 1, &t, &work));
        o = near_theta(&t, 3, 7, 6);
        r = doubles(p * N);
        must(hfy_rate_patterns(&rng, cvs[c], 1, p, N, r, &work));
        must(hfy_rate_threshold(&one, r, p, N, &o, &x, &y, &work));
        put(&thresholds, "%g,%g,%lu,%lu,%g,%g,%g\n", cvs[c], alpha, (unsigned long)N, (unsigned long)k, x, one.theta,
            y);
        free(r);
      }
      progress("figure 4", (k - 1) * 7 + c + 1, 7 * repetitions);
    }
  fclose(best), leave(&thresholds);
}

/* Not in the paper: units beside the best of theory, further from lambda_mem = 0. */
static void beside(void) {
  static const double margins[] = {0, 0.02, 0.05, 0.1}, loads[] = {0.05, 0.1, 0.2};
  static const double cvs[] = {0.5, 0.7, 1, 1.4, 2, 2.8, 4};
  FILE *within = table("rate_fig4_inside",
                       "cv,power,sigma,lambda_mem,alpha_s,corrected,measured,at_0.05,at_0.1,at_0.2");
  size_t c, m, k, l;
  for (c = 0; c < 7; c++) {
    hfy_rate one;
    double alpha_s;
    must(hfy_rate_optimum(cvs[c], NULL, &one, &alpha_s, &work));
    for (m = 0; m < 4; m++) {
      const hfy_rate near = m ? inside(one, cvs[c], -margins[m]) : one;
      hfy_rate_averages t;
      double share[3] = {0, 0, 0}, edge;
      must(hfy_rate_theory(&near, cvs[c], 1, &t, &work));
      if (m && fabs(t.lambda_mem + margins[m]) > 1e-6) continue; /* no exponent has it */
      must(hfy_rate_bulk_load(&near, cvs[c], 0, near.power > 1 ? N : 0, &edge, &work));
      for (l = 0; l < 3; l++)
        for (k = 0; k < repetitions; k++)
          share[l] += stable_share(near, cvs[c], loads[l], N, 450 + k, 5) / (double)repetitions;
      fprintf(within, "%g,%g,%g,%g,%g,%g,%g,%g,%g,%g\n", cvs[c], near.power, near.sigma, t.lambda_mem, t.alpha_s,
              edge, mean_load(near, cvs[c], 0, 1, repetitions, NULL), share[0], share[1], share[2]);
    }
    progress("beside the best", c + 1, 7);
  }
  fclose(within);
}

/* Figure 5 a, b: densities of sparse patterns (without the part at 0), rectified powers with a threshold */
static void sparse_curves(void) {
  static const double cvs[] = {0.5, 1, 2, 4}, powers[] = {0.5, 1, 1.5, 2};
  FILE *activation = table("rate_fig5_activation", "power,v,g");
  FILE *density = table("rate_fig5_density", "cv,r,density");
  size_t c, k;
  for (c = 0; c < 4; c++) {
    const hfy_rate one = unit(powers[c], 0);
    const double s2 = log1p(cvs[c] * cvs[c]);
    for (k = 0; k <= 80; k++) {
      const double v = -1 + 0.05 * (double)k, r = pow(10, -3 + 0.05 * (double)k), z = log(r) + 0.5 * s2;
      fprintf(activation, "%g,%g,%g\n", powers[c], v, hfy_rate_g(&one, v - 0.5));
      fprintf(density, "%g,%g,%g\n", cvs[c], r, 0.5 * exp(-0.5 * z * z / s2) / (r * sqrt(2 * 3.14159265358979 * s2)));
    }
  }
  fclose(activation), fclose(density);
}

/* One problem of Figure 5: a row. */
static void sparse_weights(rows *file, double power, double cv, double f, double x, size_t n, size_t k) {
  double alpha_c, alpha, sum = 0, norm = 0, median = 0, *r, *w = doubles(n * n), *middle = doubles(n);
  hfy_status *status = (hfy_status *)calloc(n, sizeof *status), all;
  hfy_rng rng = hfy_rng_seed(k);
  hfy_rate one = unit(power, 0);
  hfy_rate_replica replica = {NAN, NAN, 0};
  hfy_rate_rows stored = {NULL, NULL, NULL};
  size_t p, i, good = 0;
  if (!status) exit(1);
  must(hfy_rate_capacity(f, &alpha_c, NULL, &work));
  alpha = x * alpha_c, p = count_of(alpha, n), r = doubles(p * n);
  one.theta = -0.5, stored.status = status;
  must(hfy_rate_patterns(&rng, cv, f, p, n, r, &work));
  all = hfy_rate_weights_sparse(&one, r, p, n, 0, w, &stored, &work);
  if (all != HFY_ERR_INFEASIBLE) must(all);
  for (i = 0; i < n; i++) {
    const double v = squares(w + i * n, n);
    size_t at = good;
    if (status[i]) continue;
    for (; at && middle[at - 1] > v; at--) middle[at] = middle[at - 1];
    middle[at] = v, sum += total(w + i * n, n), norm += v, good++;
  }
  sum /= (double)good, norm /= (double)good, median = good ? middle[good / 2] : NAN;
  if (x < 1) must(hfy_rate_solve_replica(&one, cv, f, alpha, &replica, &work));
  put(file, "%g,%g,%g,%g,%lu,%lu,%g,%g,%g,%g,%g,%g,%g,%g\n", power, cv, f, x, (unsigned long)n, (unsigned long)k,
      alpha_c, alpha, sum, replica.m, sqrt(norm), sqrt(median), sqrt(replica.q), (double)good / (double)n);
  free(r), free(w), free(middle), free(status);
}

/* Figure 5: sparse patterns, moments of the weights and capacity; N, N/2 and N/4 units; one row a problem */
static void figure5(void) {
  static const double sets[][3] = {/* power, cv, f; the last four: N/2 alone */
                                   {1, 1, 0.8}, {1, 1, 0.5}, {1, 1, 0.2}, {0.5, 1, 0.5}, {2, 1, 0.5}, {1, 0.5, 0.5},
                                   {1, 2, 0.5}};
  rows file = resume("rate_fig5", "power,cv,f,of_capacity,units,seed,alpha_c,alpha,sum,sum_theory,norm,norm_median,"
                                  "norm_theory,feasible");
  FILE *capacity = table("rate_fig5_capacity", "f,alpha_c,theta0,asymptote");
  const size_t steps = quick ? 6 : 13;
  size_t c, k, x, size;
  double f;
  sparse_curves();
  for (f = 1; f > 1e-3; f *= 0.9) {
    double a, t;
    must(hfy_rate_capacity(f, &a, &t, &work));
    fprintf(capacity, "%g,%g,%g,%g\n", f, a, t, f < 0.5 ? 1 / (2 * f * log(1 / f)) : 0);
  }
  fclose(capacity);
  for (k = 1; k <= repetitions; k++)
    for (size = 4; size; size /= 2)
      for (c = 0; c < (size == 2 ? 7 : 3); c++) {
        for (x = 1; x <= steps; x++) {
          const double *s = sets[c], of = (quick ? 0.2 : 0.1) * (double)x;
          if (!have(&file, "%g,%g,%g,%g,%lu,%lu", s[0], s[1], s[2], of, (unsigned long)(N / size), (unsigned long)k))
            sparse_weights(&file, s[0], s[1], s[2], of, N / size, k);
        }
        progress("figure 5", (k - 1) * 13 + (size == 4 ? 0 : size == 2 ? 3 : 10) + c + 1, 13 * repetitions);
      }
  leave(&file);
}

/* One sparse point: the best threshold and the mean abscissa there; shares[0]: abscissas below 0 with slope 0 for silent
   units, which is what the paper counts, shares[1]: stable. margin < 0: none, as in the paper. 0 if infeasible. */
static int sparse_point(double power, double cv, double f, double alpha, size_t n, uint64_t seed, double margin,
                        double *theta, double *abscissa, double shares[2], double *sum) {
  const size_t p = count_of(alpha, n);
  double *r = doubles(p * n), *w = doubles(n * n);
  hfy_rate one = unit(power, 0);
  hfy_rng rng = hfy_rng_seed(seed);
  hfy_rate_search o;
  size_t stable = 0, below = 0;
  hfy_status status;
  memset(&o, 0, sizeof o);
  o.sample = 5, o.grid = 5, o.steps = 4, o.margin = margin;
  must(hfy_rate_patterns(&rng, cv, f, p, n, r, &work));
  status = hfy_rate_threshold(&one, r, p, n, &o, theta, abscissa, &work);
  if (!status || status == HFY_ERR_CONVERGENCE) {
    one.theta = *theta;
    must(hfy_rate_weights_sparse(&one, r, p, n, margin < 0 ? 0 : margin, w, NULL, &work));
    must(hfy_rate_stability(&one, w, r, p, n, NULL, &stable, &work));
    must(below_0(&one, w, r, p, n, &below, &work));
    shares[0] = (double)below / (double)p;
    shares[1] = (double)stable / (double)p;
    *sum = total(w, n * n) / (double)n;
    status = HFY_OK;
  }
  free(r), free(w);
  return !status;
}

/* The load up to which half of the patterns count, at thresholds searched anew: 0.05 of the capacity, 0.2, 0.4 ...,
   then three halvings. margin < 0: those with an abscissa below 0 as in the paper; else: stable ones. */
static double sparse_load(double power, double cv, double f, size_t k, double margin) {
  double alpha_c, low = 0, high = 0, x = 0.05, theta, abscissa, s[2] = {0, 0}, sum;
  int halvings = 0;
  must(hfy_rate_capacity(f, &alpha_c, NULL, &work));
  while (halvings < 4 && low < 1.15) {
    const int there = sparse_point(power, cv, f, x * alpha_c, N, k, margin, &theta, &abscissa, s, &sum);
    if (there && s[margin >= 0] >= 0.5)
      low = x;
    else
      high = x;
    if (high > 0 && !(low > 0)) return 0;
    if (high > 0)
      x = 0.5 * (low + high), halvings++;
    else
      x = low < 0.1 ? 0.2 : low + 0.2;
  }
  return alpha_c * (high > 0 ? 0.5 * (low + high) : low);
}

/* Figure 6 a-d: stability of sparse patterns; N and N/2 units; one row a problem */
static void figure6(void) {
  static const double fs[] = {1, 0.5, 0.2};
  rows file = resume("rate_fig6", "f,of_capacity,units,seed,alpha,below_0,stable,stable_margin,theta,abscissa,sum");
  size_t c, k, size, x;
  for (k = 1; k <= repetitions; k++)
    for (size = 2; size; size--)
      for (c = 0; c < 3; c++) {
        for (x = 1; x <= (quick ? 5U : 9U); x++) {
          const double of = x < 2 ? 0.05 : (quick ? 0.2 : 0.1) * (double)(x - 1);
          double alpha_c, a = NAN, b = NAN, s[2] = {0, 0}, margin[2] = {0, 0}, sum = NAN;
          must(hfy_rate_capacity(fs[c], &alpha_c, NULL, &work));
          if (have(&file, "%g,%g,%lu,%lu", fs[c], of, (unsigned long)(N / size), (unsigned long)k)) continue;
          sparse_point(1, 1, fs[c], of * alpha_c, N / size, k, 0.05, &a, &b, margin, &sum);
          a = b = sum = NAN;
          sparse_point(1, 1, fs[c], of * alpha_c, N / size, k, -1, &a, &b, s, &sum);
          put(&file, "%g,%g,%lu,%lu,%g,%g,%g,%g,%g,%g,%g\n", fs[c], of, (unsigned long)(N / size), (unsigned long)k,
              of * alpha_c, s[0], s[1], margin[1], a, b, sum);
        }
        progress("figure 6", (k - 1) * 6 + (2 - size) * 3 + c + 1, 6 * repetitions);
      }
  leave(&file);
}

/* Figure 6 e: loads of sparse patterns over the exponent; exponents towards 0 where rates are alike (cv 0) */
static void figure6e(void) {
  static const double fs[] = {0.5, 0.2}, cvs[] = {0, 0.5, 1, 2}, powers[] = {0.02, 0.1, 0.25, 0.5, 0.75, 1, 1.3};
  rows file = resume("rate_fig6_loads", "cv,power,f,units,seed,alpha_0,alpha_margin");
  size_t c, k, p, v;
  for (k = 1; k <= repetitions; k++)
    for (v = 0; v < 4; v++)
      for (p = 0; p < 7; p++)
        for (c = 0; c < 2; c++) {
          progress("figure 6 e", (((k - 1) * 4 + v) * 7 + p) * 2 + c + 1, 56 * repetitions);
          if ((!p && v) || have(&file, "%g,%g,%g,%lu,%lu", cvs[v], powers[p], fs[c], (unsigned long)N,
                                (unsigned long)k))
            continue;
          put(&file, "%g,%g,%g,%lu,%lu,%g,%g\n", cvs[v], powers[p], fs[c], (unsigned long)N, (unsigned long)k,
              sparse_load(powers[p], cvs[v], fs[c], k, -1), sparse_load(powers[p], cvs[v], fs[c], k, 0.05));
        }
  leave(&file);
}

/* Not in the paper: the share of sparse patterns that are stable over the plane of f and load, with its spread over the
   problems: weights of margin .05, the best threshold for each problem, n = 1, cv 1. There is no theory for it. */
static void surface(void) {
  static const double fs[] = {0.8, 0.5, 0.3, 0.2, 0.1};
  FILE *file = table("rate_surface", "f,units,problems,load,of_capacity,stable,lowest,highest,abscissa,spread,theta");
  size_t c, k;
  for (c = 0; c < 5; c++) {
    double alpha_c, x;
    must(hfy_rate_capacity(fs[c], &alpha_c, NULL, &work));
    for (x = 0.1; x < 0.85; x += quick ? 0.2 : 0.1) {
      double stable = 0, low = 1, high = 0, abscissa = 0, square = 0, theta = 0, done = 0;
      for (k = 0; k < repetitions; k++) {
        double a, b, s[2], sum;
        if (!sparse_point(1, 1, fs[c], x * alpha_c, N, 900 + k, 0.05, &a, &b, s, &sum)) continue;
        stable += s[1], abscissa += b, square += b * b, theta += a, done += 1;
        if (s[1] < low) low = s[1];
        if (s[1] > high) high = s[1];
      }
      if (done > 0) {
        stable /= done, abscissa /= done, square /= done, theta /= done;
        square = square > abscissa * abscissa ? sqrt(square - abscissa * abscissa) : 0;
        fprintf(file, "%g,%lu,%g,%.4g,%.1f,%.4f,%.4f,%.4f,%.4f,%.4f,%.3f\n", fs[c], (unsigned long)N, done, x * alpha_c,
                x, stable, low, high, abscissa, square, theta);
      }
    }
    progress("surface", c + 1, 5);
  }
  fclose(file);
}

/* The largest load with a share e of positive columns, the others negative, over the load without signs: the part of
   squared length that a normal vector keeps in the cone of signs whose weights sum to 0 (docs/math.md, 17). */
static double of_signs(double e) {
  double least = 1, tau;
  for (tau = -4; tau <= 4; tau += 1e-3) {
    double sum = 0;
    int side;
    for (side = -1; side < 2; side += 2) {
      const double t = side * tau;
      sum += (side > 0 ? e : 1 - e) *
             ((1 + t * t) * 0.5 * erfc(t / sqrt(2)) - t * exp(-0.5 * t * t) / sqrt(2 * 3.14159265358979));
    }
    if (sum < least) least = sum;
  }
  return least;
}

/* Not in the paper: how many rows have weights if every unit has one sign (Dale's law), beside theory. */
static void dale(void) {
  static const double fs[] = {1, 0.5, 0.2}, shares[] = {0.5, 0.8};
  FILE *file = table("rate_dale", "f,positive,units,predicted,load_of_capacity,rows");
  size_t c, e, k, i;
  for (c = 0; c < 3; c++)
    for (e = 0; e < 2; e++) {
      double alpha_c, x;
      must(hfy_rate_capacity(fs[c], &alpha_c, NULL, &work));
      for (x = 0.1; x < 0.85; x += 0.1) {
        const size_t p = count_of(x * alpha_c, N);
        double *r = doubles(p * N), *w = doubles(N * N), good = 0;
        hfy_status *status = (hfy_status *)calloc(N, sizeof *status), all;
        signed char *column = (signed char *)calloc(N, 1);
        hfy_rate_rows rows = {NULL, NULL, NULL};
        hfy_rate_mask mask = {NULL, NULL};
        hfy_rate one = unit(1, 0);
        if (!status || !column) exit(1);
        one.theta = -0.2, rows.status = status, mask.column = column;
        for (i = 0; i < N; i++) column[i] = (double)i < shares[e] * (double)N ? 1 : -1;
        for (k = 0; k < repetitions; k++) {
          hfy_rng rng = hfy_rng_seed(1500 + k);
          must(hfy_rate_patterns(&rng, 0.5, fs[c], p, N, r, &work));
          all = hfy_rate_weights_masked(&one, r, p, N, 0, &mask, w, &rows, &work);
          if (all != HFY_ERR_INFEASIBLE) must(all);
          for (i = 0; i < N; i++) good += !status[i];
        }
        fprintf(file, "%g,%g,%lu,%.3f,%.1f,%.4f\n", fs[c], shares[e], (unsigned long)N, of_signs(shares[e]), x,
                good / (double)(N * repetitions));
        free(r), free(w), free(status), free(column);
      }
      progress("signs", 2 * c + e + 1, 6);
    }
  fclose(file);
}

/* Figure 7: eigenvalues of X Y+ for paired Gaussians, and their disc */
static void figure7(void) {
  static const double alphas[] = {0.2, 0.5, 0.8}, taus[] = {-0.5, 0, 0.5, 0.9};
  FILE *points = table("rate_fig7_points", "alpha,tau,re,im");
  FILE *discs = table("rate_fig7_discs", "alpha,tau,centre,radius,lambda_plus,largest,median,median_theory");
  size_t a, t, i, mu, nu;
  for (a = 0; a < 3; a++)
    for (t = 0; t < 4; t++) {
      const size_t p = count_of(alphas[a], N), all = p * N;
      const double tau = taus[t];
      double *x = doubles(all), *y = doubles(all), *m = doubles(p * p), *re = doubles(p), *im = doubles(p),
             *plus = doubles(all), *far = doubles(p), top = -1e9, own;
      hfy_rng rng = hfy_rng_seed(70 + 4 * a + t);
      hfy_rate_disc disc;
      for (i = 0; i < all; i++) {
        const double z = hfy_rng_normal(&rng);
        y[i] = 2 * z, x[i] = tau * z + sqrt(1 - tau * tau) * hfy_rng_normal(&rng);
      }
      /* Gram-Schmidt, twice: Y = Q T and Y+ = T^-1 Q^T; beside zeros the eigenvalues are those of Y+ X */
      memcpy(plus, y, all * sizeof *y);
      for (mu = 0; mu < p; mu++) {
        int pass;
        for (pass = 0; pass < 2; pass++)
          for (nu = 0; nu < mu; nu++) {
            double s = 0;
            for (i = 0; i < N; i++) s += plus[mu * N + i] * plus[nu * N + i];
            for (i = 0; i < N; i++) plus[mu * N + i] -= s * plus[nu * N + i];
          }
        own = sqrt(squares(plus + mu * N, N));
        for (i = 0; i < N; i++) plus[mu * N + i] /= own;
      }
      for (mu = 0; mu < p; mu++) { /* T, and back substitution with it */
        double *row = plus + mu * N;
        own = 0;
        for (i = 0; i < N; i++) own += row[i] * y[mu * N + i];
        for (nu = mu + 1; nu < p; nu++) {
          double s = 0;
          for (i = 0; i < N; i++) s += row[i] * y[nu * N + i];
          m[mu * p + nu] = s;
        }
        m[mu * p + mu] = own;
      }
      for (mu = p; mu-- > 0;) {
        for (nu = mu + 1; nu < p; nu++)
          for (i = 0; i < N; i++) plus[mu * N + i] -= m[mu * p + nu] * plus[nu * N + i];
        for (i = 0; i < N; i++) plus[mu * N + i] /= m[mu * p + mu];
      }
      for (mu = 0; mu < p; mu++)
        for (nu = 0; nu < p; nu++) {
          double s = 0;
          for (i = 0; i < N; i++) s += plus[mu * N + i] * x[nu * N + i];
          m[mu * p + nu] = s;
        }
      must(hfy_eigenvalues(m, p, re, im, &work));
      must(hfy_rate_circular_law((double)p / (double)N, tau, 1, 2, 0, &disc, &work));
      for (mu = 0; mu < p; mu++) {
        const double v = sqrt((re[mu] - disc.centre) * (re[mu] - disc.centre) + im[mu] * im[mu]);
        for (i = mu; i && far[i - 1] > v; i--) far[i] = far[i - 1];
        far[i] = v;
        fprintf(points, "%g,%g,%g,%g\n", alphas[a], tau, re[mu], im[mu]);
        if (re[mu] > top) top = re[mu];
      }
      fprintf(discs, "%g,%g,%g,%g,%g,%g,%g,%g\n", alphas[a], tau, disc.centre, disc.radius, disc.lambda_plus, top,
              far[p / 2], disc.median);
      free(x), free(y), free(m), free(re), free(im), free(plus), free(far);
      progress("figure 7", a * 4 + t + 1, 12);
    }
  fclose(points), fclose(discs);
}

/* Figure 8: predicted against measured critical loads; where the best thresholds lie */
static void figure8(void) {
  static const double cvs[] = {0.5, 1, 2, 4};
  const size_t sets = quick ? 5 : 30;
  FILE *pairs = table("rate_fig8_pairs", "cv,power,sigma,theory,corrected,units,problems,measured,error");
  FILE *thresholds = table("rate_fig8_theta", "cv,theta");
  size_t c, k, i, m;
  for (m = 0; m < repetitions; m++)
    for (c = 0; c < 4; c++)
      for (k = 0; k < sets; k++) {
        const size_t first = 1000 * (30 * c + k + 1);
        hfy_rng rng = hfy_rng_seed(800 + 100 * c + k);
        hfy_rate one = unit(0.85 + 0.25 * hfy_rng_uniform(&rng), pow(10, -0.6 + 1.1 * hfy_rng_uniform(&rng)));
        hfy_rate_averages t;
        double corrected, load, error;
        hfy_rate_rates rates = {0, 0, NULL, NULL, 0};
        half_load(one, cvs[c], 0, N, first + m);
        progress("figure 8", (m * 4 + c) * sets + k + 1, 4 * sets * repetitions);
        if (m + 1 < repetitions) continue;
        must(hfy_rate_theory(&one, cvs[c], 1, &t, &work));
        one.theta = t.theta, rates.cv = cvs[c], rates.units = one.power > 1 ? N : 0;
        must(hfy_rate_critical_load(&one, &rates, 0, &corrected, &work));
        load = mean_load(one, cvs[c], 0, first, repetitions, &error);
        fprintf(pairs, "%g,%g,%g,%g,%g,%lu,%lu,%g,%g\n", cvs[c], one.power, one.sigma, t.alpha_s, corrected,
                (unsigned long)N, (unsigned long)repetitions, load, error);
      }
  for (c = 0; c < 4; c++)
    for (i = 0; i < 3600; i++) {
      const hfy_rate one = unit(0.6 + (double)(i / 60) / 60, pow(10, -2 + 3.5 * (double)(i % 60) / 60));
      hfy_rate_averages t;
      if (!hfy_rate_theory(&one, cvs[c], 1, &t, &work) && t.alpha_s > 0)
        fprintf(thresholds, "%g,%g\n", cvs[c], t.theta);
    }
  fclose(pairs), fclose(thresholds);
}

int main(int argc, char **argv) {
  static void (*const figures[])(void) = {figure1, figure2, figure3, figure4, figure5, figure6, figure7, figure8,
                                          surface, dale, beside, search, figure6e, anew};
  const int figure = argc > 4 ? atoi(argv[1]) : 0;
  if (figure < 1 || figure > 14) {
    fprintf(stderr, "usage: rate_figures FIGURE DIRECTORY N REPETITIONS [quick]\n");
    return 2;
  }
  directory = argv[2];
  N = (size_t)strtoul(argv[3], NULL, 10), repetitions = (size_t)strtoul(argv[4], NULL, 10);
  quick = argc > 5 && !strcmp(argv[5], "quick");
  if (N < 10 || !repetitions) {
    fprintf(stderr, "N should be at least 10, REPETITIONS at least 1\n");
    return 2;
  }
  figures[figure - 1]();
  hfy_work_free(&work);
  return 0;
}
