/* klr.c: the figures of the two papers on kernel logistic regression networks (KLR-S, KLR-L), and what goes beyond them:
   capacity against the classical rules, low-rank approximations, dense memories.

       klr PART [full] [seed=42] [DIRECTORY]     PART: phase forces spectrum dynamics bursts capacity lowrank dense own
                                                 solver ring margin stop order size plane lowload
                                                 inverse, or all

   writes DIRECTORY/klr_PART.csv (build), with a line of progress on stderr for each point. Every figure is
   made twice: with the papers' training (gradient descent, step 0.1, 200 steps, lambda 0.01) and at the exact optimum of
   the same loss. Without `full` grids are coarser and repetitions fewer. N = 100 unless said. */
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include <stdio.h>
#include <time.h>

enum { N = 100, WORDS = 2 };
static int full;
static const char *directory = "build";
static uint64_t seed = 42; /* of the patterns; cues and starts follow it */
static hfy_work work;
static uint64_t *bits, *cues, *ends;
static double *alpha, *gram, *h;

static void must(hfy_status status, const char *what) {
  if (!status) return;
  fprintf(stderr, "klr: %s: %s: %s\n", what, hfy_status_text(status), work.message);
  exit(1);
}

static void *room(size_t count, size_t size) {
  void *p = calloc(count ? count : 1, size);
  if (!p) fprintf(stderr, "klr: out of memory\n"), exit(1);
  return p;
}

static FILE *create(const char *name, const char *header) {
  char path[1000];
  FILE *file;
  snprintf(path, sizeof path, "%s/klr_%s.csv", directory, name);
  file = fopen(path, "w");
  if (!file) perror(path), exit(1);
  fprintf(file, "%s\n", header);
  return file;
}

static double seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

static double bit(const uint64_t *x, size_t j) { return x[j / 64] >> (j % 64) & 1 ? 1 : -1; }

static hfy_kernel memory_of(size_t P, double gamma, uint64_t set) {
  hfy_rng rng = hfy_rng_seed(set);
  hfy_kernel k;
  memset(&k, 0, sizeof k);
  k.dim = N, k.count = P, k.patterns = bits, k.gamma = gamma, k.alpha = alpha;
  must(hfy_kernel_random(P, N, &rng, bits, &work), "random patterns");
  return k;
}

static hfy_kernel_result train(const hfy_kernel *k, hfy_kernel_trainer trainer, size_t steps) {
  hfy_kernel_training how;
  hfy_kernel_result result;
  memset(&how, 0, sizeof how);
  how.trainer = trainer;
  how.max_iterations = steps;
  must(hfy_kernel_gram(k, gram, &work), "gram");
  how.gram = gram;
  must(hfy_kernel_train(k, &how, alpha, &result, &work), "training");
  return result;
}

static const char *name_of(hfy_kernel_trainer trainer) {
  static const char *const names[] = {"exact", "paper", "ridge", "projection", "raw"};
  return names[trainer];
}

/* KLR-S figures 1, 2, 4 and KLR-L 1, 2: the plane of gamma and load. */
static void phase(void) {
  static const double few_loads[] = {0.1, 0.5, 1, 2, 3, 4}, some_loads[] = {0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 3.5, 4, 5};
  const double *loads = full ? some_loads : few_loads;
  size_t n_loads = full ? 14 : 6, n_gammas = full ? 17 : 9, g, l, i, j;
  FILE *file = create("phase", "gamma,load,patterns,training,stability,loss,log10_M0,log10_M20,rho0,rho20,direct,indirect,"
                               "stable_rank,operator_rank,sigma2_over_1,effective,logits,stored,recall10,recall20,random_fixed");
  double start = seconds();
  for (g = 0; g < n_gammas; g++)
    for (l = 0; l < n_loads; l++) {
      double gamma = pow(10, -4 + 4 * (double)g / (double)(n_gammas - 1));
      size_t P = (size_t)floor(loads[l] * N + 0.5), means = P < 20 ? P : 20, two;
      for (two = 0; two < 2; two++) {
        hfy_kernel_trainer trainer = two ? HFY_KERNEL_EXACT : HFY_KERNEL_PAPER;
        hfy_kernel k = memory_of(P, gamma, seed);
        hfy_kernel_result r = train(&k, trainer, trainer == HFY_KERNEL_PAPER ? 200 : 0);
        hfy_kernel_geometry geo[20];
        hfy_kernel_spectrum s;
        hfy_kernel_census census;
        static const size_t flips[] = {10, 20};
        double point[20 * N], M = 0, rho = 0, stored, recall[2];
        hfy_rng rng = hfy_rng_seed(seed - 35), starts = hfy_rng_seed(seed + 957);
        for (i = 0; i < means; i++)
          for (j = 0; j < N; j++) point[i * N + j] = bit(bits + i * WORDS, j);
        must(hfy_kernel_forces(&k, point, means, NULL, NULL, geo, &work), "forces");
        for (i = 0; i < means; i++)
          M += geo[i].sharpness / (double)means, rho += geo[i].interference / (double)means;
        must(hfy_kernel_spectra(&k, gram, &s, NULL, NULL, NULL, NULL, &work), "spectra");
        must(hfy_kernel_stored(&k, &stored, NULL, &work), "stored");
        must(hfy_kernel_basins(&k, P < 100 ? P : 100, flips, 2, &rng, recall, NULL, &work), "basins");
        k.max_steps = 1;
        must(hfy_kernel_explore(&k, 200, &starts, &census, &work), "explore");
        fprintf(file, "%g,%g,%zu,%s,%.4g,%.8g,%.4f,%.4f,%.4f,%.4f,%.6g,%.6g,%.4f,%.4f,%.4f,%.6g,%.6g,%.4f,%.4f,%.4f,%.4f\n",
                gamma, loads[l], P, name_of(trainer), r.stability, r.loss, log10(geo[0].sharpness), log10(M),
                geo[0].interference, rho, geo[0].direct, geo[0].indirect, s.alpha_rank, s.operator_rank,
                s.alpha_2 / s.alpha_1, s.effective, s.logits_1, stored, recall[0], recall[1], census.fixed);
        fflush(file);
      }
      fprintf(stderr, "phase: %zu of %zu, gamma %.2g, P/N %g (%.0f s)\n", g * n_loads + l + 1, n_gammas * n_loads, gamma,
              loads[l], seconds() - start);
    }
  fclose(file);
}

/* KLR-S and KLR-L figure 3: the forces along a cut at gamma = 0.001; five pattern sets when full. */
static void forces(void) {
  static const double loads[] = {0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4};
  FILE *file = create("forces", "load,patterns,seed,training,stability,sharpness,direct,indirect,rho");
  size_t l, j, i;
  uint64_t set;
  for (l = 0; l < 12; l++) {
    for (set = seed; set < seed + (full ? 5 : 1); set++)
      for (i = 0; i < 2; i++) {
        size_t P = (size_t)(loads[l] * N);
        hfy_kernel k = memory_of(P, 0.001, set);
        hfy_kernel_result r = train(&k, i ? HFY_KERNEL_EXACT : HFY_KERNEL_PAPER, i ? 0 : 200);
        hfy_kernel_geometry g;
        double point[N];
        for (j = 0; j < N; j++) point[j] = bit(bits, j);
        must(hfy_kernel_forces(&k, point, 1, NULL, NULL, &g, &work), "forces");
        fprintf(file, "%g,%zu,%d,%s,%.4g,%.6g,%.6g,%.6g,%.4f\n", loads[l], P, (int)set,
                i ? "exact" : "paper", r.stability, g.sharpness, g.direct, g.indirect, g.interference);
      }
    fprintf(stderr, "forces: P/N %g\n", loads[l]);
  }
  fclose(file);
}

/* KLR-S figure 5: singular values of alpha on the ridge and off it, P = 400. */
static void spectrum(void) {
  static const double gammas[] = {0.001, 0.02, 0.1};
  FILE *file = create("spectrum", "gamma,training,index,alpha,operator,effective,gram");
  double sigma[N], op[N], effective[N], *grams = (double *)room(400, sizeof(double));
  size_t g, i, two;
  for (g = 0; g < 3; g++)
    for (two = 0; two < 2; two++) {
      hfy_kernel k = memory_of(400, gammas[g], seed);
      hfy_kernel_spectrum s;
      train(&k, two ? HFY_KERNEL_EXACT : HFY_KERNEL_PAPER, two ? 0 : 200);
      must(hfy_kernel_spectra(&k, gram, &s, sigma, op, effective, grams, &work), "spectra");
      for (i = 0; i < N; i++)
        fprintf(file, "%g,%s,%zu,%.8g,%.8g,%.8g,%.8g\n", gammas[g], two ? "exact" : "paper", i + 1, sigma[i], op[i],
                effective[i], grams[i]);
      fprintf(stderr, "spectrum: gamma %g, %s: stable rank %.2f, sigma2/sigma1 %.3f\n", gammas[g],
              two ? "exact" : "paper", s.alpha_rank, s.alpha_2 / s.alpha_1);
    }
  free(grams);
  fclose(file);
}

/* KLR-S figures B-1, B-2, B-3: neuron 0 along the papers' descent, along the same descent with a step that is stable
   (0.95 of 2 / lambda_max of the Hessian at 0), along the exact trainer's way to the optimum, and by natural gradient. */
static void dynamics(void) {
  static const struct { double gamma; size_t P; } cases[] = {{0.01, 400}, {0.02, 400}, {0.02, 300}, {0.02, 100}, {0.1, 400}};
  static const char *const names[] = {"paper", "stable", "exact", "natural"};
  FILE *file = create("dynamics", "gamma,patterns,step,eta,t,euclidean,log10_riemannian,log10_natural,damped_riemannian,"
                                  "damped_natural,sharpness,loss,principal,tail,progress,deviation,divergence,leading,trailing");
  FILE *sums = create("dynamics_summary", "gamma,patterns,step,eta,steps,length,path,sum_principal,sum_tail,last_principal,"
                                          "most_deviation,at_progress,fisher_1,fisher_2,sharpness,loss,sum_divergence");
  enum { MOST = 200, ROWS = MOST + 1 };
  hfy_kernel_fisher *f = (hfy_kernel_fisher *)room(ROWS, sizeof *f);
  double *arrays = (double *)room(7 * ROWS, sizeof(double)), damping = full ? 1e-3 : 0;
  size_t c, t, how_far;
  for (c = 0; c < 5; c++)
    for (how_far = 0; how_far < 4; how_far++) {
      hfy_kernel k = memory_of(cases[c].P, cases[c].gamma, seed);
      hfy_kernel_result r = train(&k, HFY_KERNEL_RAW, 0); /* for its largest eigenvalue */
      hfy_kernel_path path;
      double eta = 0.1;
      size_t steps = MOST, every = full || how_far > 1 ? 1 : 2;
      memset(&path, 0, sizeof path);
      if (how_far == 1 && r.stability > 0.95) eta = 0.95 * 0.1 / r.stability; /* else the papers' own step is stable */
      if (how_far > 1) path.way = how_far == 2 ? HFY_KERNEL_NEWTON : HFY_KERNEL_NATURAL, steps = 60;
      if (how_far == 2) must(hfy_kernel_follow(&k, 0, gram, 0, 0.01, steps, 0, 0, &path, &work), "follow"), steps = path.made;
      path.fisher = f;
      path.principal = arrays, path.tail = arrays + ROWS, path.progress = arrays + 2 * ROWS, path.deviation = arrays + 3 * ROWS;
      path.divergence = arrays + 4 * ROWS, path.leading = arrays + 5 * ROWS, path.trailing = arrays + 6 * ROWS;
      must(hfy_kernel_follow(&k, 0, gram, eta, 0.01, steps, 0, damping, &path, &work), "follow");
      if (how_far == 2) eta = 0;
      for (t = 0; t <= steps; t += every)
        fprintf(file, "%g,%zu,%s,%.4g,%zu,%.6g,%.5f,%.5f,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6f,%.6g,%.6g,%.6g,%.6g\n",
                cases[c].gamma, cases[c].P, names[how_far], eta, t, f[t].euclidean, f[t].log10_riemannian,
                f[t].log10_natural, f[t].damped_riemannian, f[t].damped_natural, f[t].sharpness, f[t].loss,
                t < steps ? path.principal[t] : 0, t < steps ? path.tail[t] : 0, path.progress[t], path.deviation[t],
                t < steps ? path.divergence[t] : 0, path.leading[t], path.trailing[t]);
      fprintf(sums, "%g,%zu,%s,%.4g,%zu,%.6g,%.6g,%.6g,%.6g,%d,%.6g,%.4f,%.6g,%.6g,%.6g,%.8g,%.6g\n", cases[c].gamma,
              cases[c].P, names[how_far], eta, steps, path.length, path.path, path.sum_principal, path.sum_tail,
              path.last_principal == SIZE_MAX ? -1 : (int)path.last_principal, path.most, path.progress[path.most_at],
              path.fisher_1, path.fisher_2, f[steps].sharpness, f[steps].loss, path.sum_divergence);
      fprintf(stderr, "dynamics: gamma %g, P %zu, %s: %zu steps (stability of step 0.1: %.3g)\n", cases[c].gamma,
              cases[c].P, names[how_far], steps, r.stability);
    }
  free(f), free(arrays);
  fclose(file), fclose(sums);
}

/* Does the oscillation of the papers' step end? Neuron 0, gamma 0.01, P 400: steps whose divergence exceeds 1 nat. */
static void bursts(void) {
  enum { STEPS = 3000 };
  FILE *file = create("bursts", "gamma,patterns,first_quiet,first_burst_after,share_to_200,share_after_1000");
  double *divergence = (double *)room(STEPS, sizeof(double)), early = 0, late = 0;
  hfy_kernel k = memory_of(400, 0.01, seed);
  hfy_kernel_path path;
  size_t t, since = 0, quiet = STEPS, again = STEPS;
  memset(&path, 0, sizeof path);
  path.divergence = divergence;
  must(hfy_kernel_follow(&k, 0, NULL, 0.1, 0.01, STEPS, 0, 0, &path, &work), "follow");
  for (t = 0; t < STEPS; t++) { /* quiet: 50 steps without */
    const int burst = divergence[t] > 1;
    if (burst && quiet < STEPS && again == STEPS) again = t;
    since = burst ? 0 : since + 1;
    if (since == 50 && quiet == STEPS) quiet = t - 49;
    early += burst && t < 200 ? 1.0 / 200 : 0, late += burst && t >= 1000 ? 1.0 / (STEPS - 1000) : 0;
  }
  fprintf(file, "0.01,400,%zu,%zu,%.3f,%.3f\n", quiet, again, early, late);
  fprintf(stderr, "bursts: quiet from step %zu, next burst at %zu, share of steps to 200 %.3f, from 1000 on %.3f\n", quiet,
          again, early, late);
  free(divergence);
  fclose(file);
}

/* Recall against load: the kernel memory, untrained and trained, the classical rules and dense memories, one set of cues. */
static void capacity(void) {
  static const double loads[] = {0.05, 0.1, 0.14, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 4, 6, 8, 12, 16};
  static const double gammas[] = {0.02, 0.05, 0.173};
  static const hfy_kernel_trainer trainers[] = {HFY_KERNEL_EXACT, HFY_KERNEL_PAPER, HFY_KERNEL_RIDGE, HFY_KERNEL_RAW};
  static const size_t flips[] = {0, 10, 20, 30};
  FILE *file = create("capacity", "load,patterns,memory,gamma,recall0,recall10,recall20,recall30,seconds");
  size_t l, g, t, f, i, n_loads = full ? 15 : 13;
  hfy_real *x = (hfy_real *)room(1600 * N, sizeof(hfy_real)), *q = (hfy_real *)room(1600 * N, sizeof(hfy_real));
  hfy_real *w = (hfy_real *)room(N * N, sizeof(hfy_real)), *out = (hfy_real *)room(1600 * N, sizeof(hfy_real));
  for (l = 0; l < n_loads; l++) {
    size_t P = (size_t)floor(loads[l] * N + 0.5), asked = P < 100 ? P : 100;
    double recall[4], start;
    for (g = 0; g < 3; g++)
      for (t = 0; t < 4; t++) {
        hfy_kernel k = memory_of(P, gammas[g], seed);
        hfy_rng rng = hfy_rng_seed(seed - 35);
        if (t < 2 && P > 800 && g) continue; /* there, training changes nothing (see gamma 0.02) and takes long */
        start = seconds();
        train(&k, trainers[t], trainers[t] == HFY_KERNEL_PAPER ? 200 : 0);
        start = seconds() - start;
        must(hfy_kernel_basins(&k, asked, flips, 4, &rng, recall, NULL, &work), "basins");
        fprintf(file, "%g,%zu,klr %s,%g,%.3f,%.3f,%.3f,%.3f,%.3f\n", loads[l], P, name_of(trainers[t]), gammas[g],
                recall[0], recall[1], recall[2], recall[3], start);
      }
    memory_of(P, 1, seed);
    must(hfy_kernel_unpack(bits, P, N, x, &work), "unpack");
    for (t = 0; t < 5; t++) { /* Hebb, pseudo-inverse, x^2, x^3, e^x */
      hfy_binary m;
      memset(&m, 0, sizeof m);
      m.dim = N, m.max_sweeps = 30;
      if (t == 1 && P > N) continue; /* P > N: the projection is the identity */
      start = seconds();
      if (t < 2) {
        must(hfy_binary_weights((hfy_binary_rule)t, x, P, N, 0, (int)t, w, &work), "weights");
        m.weights = w;
      } else {
        m.kind = t == 4 ? HFY_BINARY_EXP : HFY_BINARY_POWER;
        m.degree = (double)t, m.patterns = x, m.count = P, m.order = HFY_BINARY_FIXED;
      }
      start = seconds() - start;
      for (f = 0; f < 4; f++) {
        hfy_rng rng = hfy_rng_seed(seed - 35);
        must(hfy_kernel_flip(bits, asked, N, flips[f], &rng, cues, &work), "cues");
        must(hfy_kernel_unpack(cues, asked, N, q, &work), "unpack");
        must(hfy_binary_recall(&m, q, asked, out, NULL, &work), "recall");
        for (recall[f] = 0, i = 0; i < asked; i++)
          recall[f] += !memcmp(out + i * N, x + i * N, N * sizeof *x) / (double)asked;
      }
      fprintf(file, "%g,%zu,%s,0,%.3f,%.3f,%.3f,%.3f,%.3f\n", loads[l], P,
              t == 0 ? "hebb" : t == 1 ? "pseudo-inverse" : t == 2 ? "dense x^2" : t == 3 ? "dense x^3" : "dense e^x",
              recall[0], recall[1], recall[2], recall[3], start);
    }
    fprintf(stderr, "capacity: P/N %g\n", loads[l]);
    fflush(file);
  }
  fclose(file);
  free(x), free(q), free(w), free(out);
}

/* --- low rank: Nystrom landmarks and random Fourier features --- */

static void signs_of(const double *field, const uint64_t *x, uint64_t *y) {
  size_t j;
  for (j = 0; j < WORDS; j++) y[j] = 0;
  for (j = 0; j < N; j++)
    if (field[j] > 0 || (!(field[j] < 0) && bit(x, j) > 0)) y[j / 64] |= UINT64_C(1) << (j % 64);
}

/* Features of a packed state: cos and sin of D/2 random directions. */
static void features(const uint64_t *x, const double *directions, size_t D, double *phi) {
  size_t r, j;
  for (r = 0; r < D / 2; r++) {
    double angle = 0;
    for (j = 0; j < N; j++) angle += directions[r * N + j] * bit(x, j);
    phi[r] = cos(angle) / sqrt((double)(D / 2));
    phi[D / 2 + r] = sin(angle) / sqrt((double)(D / 2));
  }
}

static size_t apart(const uint64_t *a, const uint64_t *b) {
  size_t j, d = 0;
  for (j = 0; j < N; j++) d += bit(a, j) * bit(b, j) < 0;
  return d;
}

/* A step of x with features phi (n) and coefficients b (n x N). */
static void feature_step(const double *phi, size_t n, const double *b, const uint64_t *x, uint64_t *y) {
  double field[N];
  size_t i, j;
  for (j = 0; j < N; j++) field[j] = 0;
  for (i = 0; i < n; i++)
    for (j = 0; j < N; j++) field[j] += phi[i] * b[i * N + j];
  signs_of(field, x, y);
}

/* Share of stored patterns that stand, and of 100 cues with 10 flips that come back. kind 0: Nystrom, 1: Fourier. */
static void quality(int kind, double gamma, size_t P, size_t n, const double *directions, const double *b, double *stored,
                    double *recall, double *micros) {
  double *phi = (double *)room(n, sizeof(double)), start = 0;
  size_t i, t, m, steps = 0;
  hfy_rng rng = hfy_rng_seed(seed - 35);
  must(hfy_kernel_flip(bits, 100, N, 10, &rng, cues, &work), "cues");
  *stored = *recall = 0;
  start = seconds();
  for (i = 0; i < P + 100; i++) {
    uint64_t x[WORDS], y[WORDS];
    memcpy(x, i < P ? bits + i * WORDS : cues + (i - P) * WORDS, sizeof x);
    for (t = 0; t < (i < P ? 1U : 30U); t++) {
      if (kind)
        features(x, directions, n, phi);
      else
        for (m = 0; m < n; m++) phi[m] = exp(-4 * gamma * (double)apart(x, bits + m * WORDS));
      feature_step(phi, n, b, x, y);
      steps++;
      if (!memcmp(x, y, sizeof x)) break;
      memcpy(x, y, sizeof x);
    }
    if (i < P)
      *stored += !memcmp(y, bits + i * WORDS, sizeof y) / (double)P;
    else
      *recall += !memcmp(x, bits + (i - P) * WORDS, sizeof x) / 100.0;
  }
  *micros = (seconds() - start) / (double)steps * 1e6;
  free(phi);
}

static void lowrank(void) {
  static const double gammas[] = {0.02, 0.05, 0.005};
  static const size_t landmarks[] = {75, 150, 225, 300}, features_of[] = {1024, 4096, 16384};
  FILE *file = create("lowrank", "gamma,patterns,method,rank,trace_error,kernel_rms,predicted_rms,stored,recall10,microseconds,"
                                 "multiply_adds");
  enum { P = 300 };
  size_t g, c, i, j, l, m;
  for (g = 0; g < (full ? 3U : 2U); g++) {
    hfy_kernel k = memory_of(P, gammas[g], seed);
    static const size_t ten[] = {10};
    double stored, recall, micros, *grams = (double *)room(P * P, sizeof(double));
    hfy_rng rng = hfy_rng_seed(seed - 35);
    train(&k, HFY_KERNEL_EXACT, 0);
    memcpy(grams, gram, P * P * sizeof(double));
    must(hfy_kernel_potentials(&k, bits, P, h, NULL, &work), "potentials");
    must(hfy_kernel_stored(&k, &stored, NULL, &work), "stored");
    micros = seconds();
    must(hfy_kernel_basins(&k, 100, ten, 1, &rng, &recall, NULL, &work), "basins");
    fprintf(file, "%g,%d,exact sum,%d,0,0,0,%.3f,%.3f,%.2f,%d\n", gammas[g], P, P, stored, recall,
            (seconds() - micros) / 200 * 1e6, P * N);
    for (l = 1; l <= 16; l *= 4) { /* what does pay: the nearest patterns only */
      k.nearest = l;
      must(hfy_kernel_stored(&k, &stored, NULL, &work), "stored");
      micros = seconds();
      must(hfy_kernel_basins(&k, 100, ten, 1, &rng, &recall, NULL, &work), "basins");
      fprintf(file, "%g,%d,nearest,%zu,0,0,0,%.3f,%.3f,%.2f,%zu\n", gammas[g], P, l, stored, recall,
              (seconds() - micros) / 200 * 1e6, l * N);
    }
    for (c = 0; c < 4; c++) { /* Nystrom: least squares of the logits on the first m columns of K */
      double *normal = (double *)room(P * P, sizeof(double)), *b = (double *)room(P * N, sizeof(double));
      double *inverse = (double *)room(P * P, sizeof(double)), trace = 0;
      m = landmarks[c];
      for (i = 0; i < P; i++) /* relative error of the trace: 1 - sum C W^-1 C^T / P */
        for (j = 0; i < m && j < m; j++) normal[i * m + j] = grams[i * P + j];
      must(hfy_linalg_pinv(normal, m, m, 0, inverse, NULL, &work), "pinv");
      for (i = 0; i < P; i++)
        for (j = 0; j < m; j++)
          for (l = 0; l < m; l++) trace += grams[i * P + j] * inverse[j * m + l] * grams[i * P + l];
      for (i = 0; i < P; i++) memcpy(normal + i * m, grams + i * P, m * sizeof(double));
      must(hfy_linalg_pinv(normal, P, m, 1e-10, inverse, NULL, &work), "pinv");
      for (i = 0; i < m; i++)
        for (l = 0; l < P; l++)
          for (j = 0; j < N; j++) b[i * N + j] += inverse[i * P + l] * h[l * N + j];
      quality(0, gammas[g], P, m, NULL, b, &stored, &recall, &micros);
      fprintf(file, "%g,%d,nystrom,%zu,%.6f,0,0,%.3f,%.3f,%.2f,%zu\n", gammas[g], P, m, 1 - trace / P, stored, recall,
              micros, 2 * m * N);
      fprintf(stderr, "lowrank: gamma %g, Nystrom %zu: stored %.3f, recall %.2f\n", gammas[g], m, stored, recall);
      free(normal), free(inverse), free(b);
    }
    for (c = 0; c < (full ? 3U : 2U); c++) {
      size_t D = features_of[c];
      double *directions = (double *)room(D / 2 * N, sizeof(double)), *phi = (double *)room(P * D, sizeof(double));
      double *b = (double *)room(D * N, sizeof(double)), square = 0, predicted = 0;
      hfy_rng stream = hfy_rng_seed(seed - 31);
      for (i = 0; i < D / 2 * N; i += 2) {
        double u = ((double)(hfy_rng_u64(&stream) >> 11) + 0.5) * 0x1p-53;
        double v = ((double)(hfy_rng_u64(&stream) >> 11) + 0.5) * 0x1p-53;
        double r = sqrt(-2 * log(u)) * sqrt(2 * gammas[g]);
        directions[i] = r * cos(2 * 3.141592653589793 * v);
        directions[i + 1] = r * sin(2 * 3.141592653589793 * v);
      }
      for (i = 0; i < P; i++) {
        features(bits + i * WORDS, directions, D, phi + i * D);
        for (l = 0; l < D; l++)
          for (j = 0; j < N; j++) b[l * N + j] += phi[i * D + l] * alpha[i * N + j];
      }
      for (i = 0; i < P; i++)
        for (j = 0; j < P; j++) {
          double sum = -grams[i * P + j], K = grams[i * P + j];
          for (l = 0; l < D; l++) sum += phi[i * D + l] * phi[j * D + l];
          square += sum * sum / (P * P);
          predicted += (1 + K * K * K * K - 2 * K * K) / (P * P) / (double)D;
        }
      quality(1, gammas[g], P, D, directions, b, &stored, &recall, &micros);
      fprintf(file, "%g,%d,fourier,%zu,0,%.8f,%.8f,%.3f,%.3f,%.2f,%zu\n", gammas[g], P, D, sqrt(square), sqrt(predicted),
              stored, recall, micros, D / 2 * N + D * N);
      fprintf(stderr, "lowrank: gamma %g, Fourier %zu: stored %.3f, recall %.2f\n", gammas[g], D, stored, recall);
      free(directions), free(phi), free(b);
    }
    free(grams);
  }
  fclose(file);
}

/* Dense memories: how many random patterns stand still, against 0.138 D and D^(n-1). */
static void dense(void) {
  static const struct { double degree; hfy_binary_kind kind; const char *name; size_t dims[4]; } kinds[] = {
    {0, HFY_BINARY_WEIGHTS, "hebb", {50, 100, 200, 400}},
    {2, HFY_BINARY_POWER, "x^2", {50, 100, 200, 400}},
    {3, HFY_BINARY_POWER, "x^3", {20, 30, 40, 60}},
    {4, HFY_BINARY_POWER, "x^4", {10, 14, 18, 24}},
    {3, HFY_BINARY_RECTIFIED, "rectified x^3", {20, 30, 40, 60}},
    {0, HFY_BINARY_EXP, "e^x", {10, 14, 18, 22}}};
  FILE *file = create("dense", "memory,degree,dim,patterns_99,formula,patterns_over_formula");
  size_t c, d, most = full ? 60000 : 20000;
  for (c = 0; c < 6; c++)
    for (d = 0; d < (full ? 4U : 3U); d++) {
      size_t D = kinds[c].dims[d], low = 1, high = 4, P, i;
      int bracketed = 0;
      double n = kinds[c].degree, formula;
      hfy_real *x = (hfy_real *)room(most * D, sizeof(hfy_real)), *out = (hfy_real *)room(most * D, sizeof(hfy_real));
      hfy_real *w = (hfy_real *)room(D * D, sizeof(hfy_real));
      /* expected: 0.138 D (recall with errors); D^(n-1) / (2 (2n-3)!! ln D), without errors; e^x: 2^(D/2) */
      double odd = 1;
      for (i = 3; i + 3 <= 2 * (size_t)n; i += 2) odd *= (double)i;
      formula = kinds[c].kind == HFY_BINARY_WEIGHTS ? 0.138 * (double)D
                : kinds[c].kind == HFY_BINARY_EXP   ? pow(2, (double)D / 2)
                                                    : pow((double)D, n - 1) / (2 * odd * log((double)D));
      while (high - low > 1 + low / 50) { /* double, then halve the gap: 99 % of all bits stand */
        size_t bad = 0, asked;
        hfy_rng rng = hfy_rng_seed(seed - 37);
        hfy_binary m;
        P = bracketed ? (low + high) / 2 : high;
        if (P > most) break;
        memset(&m, 0, sizeof m);
        for (i = 0; i < P * D; i++) x[i] = (hfy_real)hfy_rng_sign(&rng);
        m.dim = D, m.count = P, m.patterns = x, m.kind = kinds[c].kind, m.degree = n, m.max_sweeps = 1;
        if (m.kind == HFY_BINARY_WEIGHTS) {
          must(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, P, D, 0, 0, w, &work), "weights");
          m.weights = w;
        }
        asked = P < 200 ? P : 200;
        must(hfy_binary_recall(&m, x, asked, out, NULL, &work), "recall");
        for (i = 0; i < asked * D; i++) bad += (out[i] > 0) != (x[i] > 0);
        if ((double)bad > 0.01 * (double)(asked * D))
          high = P, bracketed = 1;
        else if (bracketed)
          low = P;
        else
          low = high, high = 2 * high;
      }
      fprintf(file, "%s,%g,%zu,%zu,%.1f,%.3f\n", kinds[c].name, n, D, low, formula, (double)low / formula);
      fprintf(stderr, "dense: %s, D %zu: %zu patterns%s\n", kinds[c].name, D, low, 2 * low > most ? " (or more)" : "");
      free(x), free(out), free(w);
    }
  fclose(file);
}

/* Neurons that see their own bit and neurons that do not: recall of 100 patterns, and what random states meet. */
static void own(void) {
  static const double rows[][3] = {{100, 100, 0.005}, {100, 200, 0.01}, {100, 400, 0.02},
                                   {100, 600, 0.02},  {200, 800, 0.01}, {100, 400, 0.05}};
  FILE *file = create("own", "neurons,patterns,gamma,own_bit,iterations,products,recall10,recall20,recall30,random_fixed,stored,"
                             "spurious");
  size_t r, j;
  int blind;
  for (r = 0; r < sizeof rows / sizeof rows[0]; r++)
    for (blind = 0; blind < 2; blind++) {
      const size_t dim = (size_t)rows[r][0], P = (size_t)rows[r][1];
      hfy_rng rng = hfy_rng_seed(seed), stream = hfy_rng_seed(seed - 35), start = hfy_rng_seed(seed + 957);
      uint64_t *x = (uint64_t *)room(P * hfy_kernel_words(dim), sizeof *x);
      double *a = (double *)room(P * dim, sizeof *a), recall[3];
      size_t flips[3];
      hfy_kernel k;
      hfy_kernel_result result;
      hfy_kernel_census census;
      memset(&k, 0, sizeof k);
      k.dim = dim, k.count = P, k.gamma = rows[r][2], k.patterns = x, k.alpha = a, k.no_self = blind;
      must(hfy_kernel_random(P, dim, &rng, x, &work), "random patterns");
      must(hfy_kernel_train(&k, NULL, a, &result, &work), "training");
      for (j = 0; j < 3; j++) flips[j] = (j + 1) * dim / 10;
      must(hfy_kernel_basins(&k, 100, flips, 3, &stream, recall, NULL, &work), "basins");
      must(hfy_kernel_explore(&k, 1000, &start, &census, &work), "census");
      fprintf(file, "%zu,%zu,%g,%s,%zu,%zu,%.2f,%.2f,%.2f,%.3f,%.3f,%.3f\n", dim, P, k.gamma, blind ? "without" : "with",
              result.iterations, result.products, recall[0], recall[1], recall[2], census.fixed, census.stored, census.spurious);
      fprintf(stderr, "own: N %zu, P %zu, gamma %g, %s its own bit: recall %.2f %.2f %.2f, fixed %.3f; gap / loss %.1e\n", dim,
              P, k.gamma, blind ? "without" : "with", recall[0], recall[1], recall[2], census.fixed, result.gap / result.loss);
      free(x), free(a);
    }
  fclose(file);
}

/* Targets: a ring of 1,600 patterns walked once around from a cue with flipped bits, and answers of another length. */
static void ring(void) {
  enum { P = 1600, STARTS = 20 };
  static const double gammas[] = {0.03, 0.05, 0.1};
  static const size_t flips[] = {0, 10, 20}, lengths[] = {32, 400};
  FILE *file = create("ring", "what,gamma,own_bit,target_bits,flipped,share,iterations");
  uint64_t *next = (uint64_t *)room(P * 7, sizeof *next);
  size_t *visited = (size_t *)room(STARTS * P, sizeof *visited), g, f, i, t;
  int blind;
  for (g = 0; g < 3; g++)
    for (blind = 0; blind < 2; blind++) {
      hfy_kernel k = memory_of(P, gammas[g], seed);
      hfy_kernel_report report;
      hfy_kernel_result result;
      memset(&report, 0, sizeof report);
      report.visited = visited;
      for (i = 0; i < P; i++) memcpy(next + WORDS * i, bits + WORDS * ((i + 1) % P), WORDS * sizeof *bits);
      k.targets = next, k.no_self = blind, k.max_steps = P;
      must(hfy_kernel_train(&k, NULL, alpha, &result, &work), "training");
      for (f = 0; f < 3; f++) { /* share of the starts from which every step is the next pattern */
        hfy_rng rng = hfy_rng_seed(seed - 35);
        size_t whole = 0;
        for (i = 0; i < STARTS; i++) memcpy(cues + WORDS * i, bits + WORDS * (i * 79 % P), WORDS * sizeof *bits);
        must(hfy_kernel_flip(cues, STARTS, N, flips[f], &rng, cues, &work), "flips");
        must(hfy_kernel_recall(&k, cues, STARTS, ends, &report, &work), "recall");
        for (i = 0; i < STARTS; i++) {
          for (t = 0; t < P && visited[i * P + t] == (i * 79 + 1 + t) % P;) t++;
          whole += t == P;
        }
        fprintf(file, "ring,%g,%s,%d,%zu,%.2f,%zu\n", gammas[g], blind ? "without" : "with", N, flips[f],
                (double)whole / STARTS, result.iterations);
        fprintf(stderr, "ring: gamma %g, %s own bit, %zu flipped: %.2f of %d starts go once around; gap / loss %.1e\n", gammas[g],
                blind ? "without" : "with", flips[f], (double)whole / STARTS, STARTS, result.gap / result.loss);
      }
    }
  for (g = 0; g < 2; g++) {
    hfy_kernel k = memory_of(400, 0.05, seed);
    hfy_rng rng = hfy_rng_seed(seed + 1), stream = hfy_rng_seed(seed - 35);
    double *a = (double *)room(400 * 400, sizeof *a), recovered[3];
    hfy_kernel_result result;
    must(hfy_kernel_random(400, lengths[g], &rng, next, &work), "answers");
    k.targets = next, k.target_dim = lengths[g], k.alpha = a;
    must(hfy_kernel_train(&k, NULL, a, &result, &work), "training");
    must(hfy_kernel_basins(&k, 400, flips, 3, &stream, recovered, NULL, &work), "basins");
    for (f = 0; f < 3; f++) {
      fprintf(file, "answers,0.05,with,%zu,%zu,%.3f,%zu\n", lengths[g], flips[f], recovered[f], result.iterations);
      fprintf(stderr, "ring: answers of %zu bits to 400 patterns, %zu flipped: %.3f\n", lengths[g], flips[f], recovered[f]);
    }
    free(a);
  }
  free(next), free(visited);
  fclose(file);
}

/* The exact trainer on kernels near and far, at four penalties. */
static void solver(void) {
  static const struct { const char *name; hfy_kernel_kind kind; double gamma; } kernels[] = {
    {"RBF .02", HFY_KERNEL_RBF, 0.02}, {"LINEAR 1/N", HFY_KERNEL_LINEAR, 1.0 / N}, {"LINEAR 1", HFY_KERNEL_LINEAR, 1},
    {"POLY3 1/N", HFY_KERNEL_POLYNOMIAL, 1.0 / N}, {"POLY3 1", HFY_KERNEL_POLYNOMIAL, 1}};
  static const double lambdas[] = {1e-2, 1e-3, 1e-4, 1e-6};
  FILE *file = create("solver", "kernel,lambda,iterations,products,gap_over_loss");
  size_t c, l;
  for (c = 0; c < 5; c++)
    for (l = 0; l < 4; l++) {
      hfy_kernel k = memory_of(300, kernels[c].gamma, seed);
      hfy_kernel_training how;
      hfy_kernel_result result;
      memset(&how, 0, sizeof how);
      k.kind = kernels[c].kind, how.lambda = lambdas[l];
      must(hfy_kernel_train(&k, &how, alpha, &result, &work), "training");
      fprintf(file, "%s,%g,%zu,%zu,%.1e\n", kernels[c].name, lambdas[l], result.iterations, result.products,
              result.gap / result.loss);
      fprintf(stderr, "solver: %s, lambda %g: %zu iterations, %zu products, gap / loss %.1e\n", kernels[c].name, lambdas[l],
              result.iterations, result.products, result.gap / result.loss);
    }
  fclose(file);
}

/* Recall of 100 cues (or one of each pattern), 10, 20 and 30 % of the bits flipped, and what 200 random starts meet. */
static void judge(const hfy_kernel *k, double *recall, hfy_kernel_census *census) {
  hfy_rng stream = hfy_rng_seed(seed - 35), start = hfy_rng_seed(seed + 957);
  size_t flips[3], j;
  for (j = 0; j < 3; j++) flips[j] = (j + 1) * k->dim / 10;
  must(hfy_kernel_basins(k, k->count < 100 ? k->count : 100, flips, 3, &stream, recall, NULL, &work), "basins");
  must(hfy_kernel_explore(k, 200, &start, census, &work), "census");
}

/* The plane again, coarsely: where random starts end; stability at the end as at 0; Proposition 1: M against what it should
   be proportional to, slope and correlation of the logarithms over the plane. */
static void plane(void) {
  static const double gammas[] = {1e-4, 1e-3, 3e-3, 0.01, 0.02, 0.05, 0.1};
  static const size_t loads[] = {50, 100, 200, 400};
  static const char *const predictors[] = {"lambda_max(K_alpha)", "its square", "sum of h^2 / P"};
  FILE *file = create("plane", "gamma,patterns,training,stability,stability_end,log10_M20,effective,stored,recall10,recall20,"
                               "random_fixed,end_stored,end_opposite,end_spurious,end_cycle,unsettled");
  FILE *slopes = create("slopes", "training,predictor,points,slope,correlation");
  double sums[2][3][6] = {{{0}}};
  size_t g, l, i, j, p, two;
  for (g = 0; g < 7; g++)
    for (l = 0; l < 4; l++)
      for (two = 0; two < 2; two++) {
        const size_t P = loads[l];
        hfy_kernel k = memory_of(P, gammas[g], seed);
        hfy_kernel_result r = train(&k, two ? HFY_KERNEL_EXACT : HFY_KERNEL_PAPER, two ? 0 : 200);
        hfy_kernel_geometry geo[20];
        hfy_kernel_spectrum s;
        hfy_kernel_fisher f;
        hfy_kernel_census census;
        double point[20 * N], M = 0, stored, recall[3], fields = 0, a[400];
        for (i = 0; i < 20; i++)
          for (j = 0; j < N; j++) point[i * N + j] = bit(bits + i * WORDS, j);
        must(hfy_kernel_forces(&k, point, 20, NULL, NULL, geo, &work), "forces");
        for (i = 0; i < 20; i++) M += geo[i].sharpness / 20;
        must(hfy_kernel_spectra(&k, gram, &s, NULL, NULL, NULL, NULL, &work), "spectra");
        must(hfy_kernel_stored(&k, &stored, NULL, &work), "stored");
        judge(&k, recall, &census);
        for (i = 0; i < P; i++) a[i] = alpha[i * N];
        must(hfy_kernel_information(&k, 0, a, gram, 0.01, 0, &f, NULL, NULL, &work), "information"); /* of neuron 0 */
        must(hfy_kernel_potentials(&k, bits, P, h, NULL, &work), "potentials");
        for (i = 0; i < P * N; i++) fields += h[i] * h[i] / (double)P;
        for (p = 0; p < 3; p++) {
          double x = log(p < 2 ? s.effective : fields) * (p == 1 ? 2 : 1), y = log(M), *q = sums[two][p];
          q[0] += 1, q[1] += x, q[2] += y, q[3] += x * x, q[4] += x * y, q[5] += y * y;
        }
        fprintf(file, "%g,%zu,%s,%.4g,%.4g,%.4f,%.6g,%.3f,%.2f,%.2f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f\n", gammas[g], P,
                two ? "exact" : "paper", r.stability, 0.05 * f.sharpness, log10(M), s.effective, stored, recall[0], recall[1],
                census.fixed, census.stored, census.opposite, census.spurious, census.cycles, census.unsettled);
        fprintf(stderr, "plane: gamma %g, P %zu, %s: ends %.3f stored, %.3f spurious\n", gammas[g], P, two ? "exact" : "paper",
                census.stored, census.spurious);
      }
  for (i = 0; i < 2; i++)
    for (p = 0; p < 3; p++) {
      const double *q = sums[i][p], xx = q[3] - q[1] * q[1] / q[0], xy = q[4] - q[1] * q[2] / q[0];
      fprintf(slopes, "%s,%s,%.0f,%.3f,%.3f\n", i ? "exact" : "paper", predictors[p], q[0], xy / xx,
              xy / sqrt(xx * (q[5] - q[2] * q[2] / q[0])));
    }
  fclose(file), fclose(slopes);
}

/* KLR-S figure 5, the curve of small gamma and low load: from where on does it collapse? */
static void lowload(void) {
  static const double gammas[] = {1e-3, 5e-4, 2e-4, 1e-4, 5e-5};
  FILE *file = create("lowload", "gamma,patterns,training,sigma2_over_1,stable_rank");
  size_t g, P, two;
  for (P = 10; P <= 50; P += 40)
    for (g = 0; g < 5; g++)
      for (two = 0; two < 2; two++) {
        hfy_kernel k = memory_of(P, gammas[g], seed);
        hfy_kernel_spectrum s;
        train(&k, two ? HFY_KERNEL_EXACT : HFY_KERNEL_PAPER, two ? 0 : 200);
        must(hfy_kernel_spectra(&k, gram, &s, NULL, NULL, NULL, NULL, &work), "spectra");
        fprintf(file, "%g,%zu,%s,%.4f,%.3f\n", gammas[g], P, two ? "exact" : "paper", s.alpha_2 / s.alpha_1, s.alpha_rank);
        fprintf(stderr, "lowload: gamma %g, P %zu, %s: sigma2/sigma1 %.3f, stable rank %.2f\n", gammas[g], P,
                two ? "exact" : "paper", s.alpha_2 / s.alpha_1, s.alpha_rank);
      }
  fclose(file);
}

/* The pseudo-inverse, with its diagonal and without. */
static void inverse(void) {
  static const size_t loads[] = {14, 20, 30, 35, 40, 50, 60}, flips[] = {10, 20, 30};
  FILE *file = create("inverse", "patterns,diagonal,recall10,recall20,recall30");
  hfy_real *x = (hfy_real *)room(60 * N, sizeof *x), *q = (hfy_real *)room(60 * N, sizeof *q);
  hfy_real *w = (hfy_real *)room(N * N, sizeof *w), *out = (hfy_real *)room(60 * N, sizeof *out);
  size_t l, f, i;
  int self;
  for (l = 0; l < 7; l++)
    for (self = 0; self < 2; self++) {
      const size_t P = loads[l];
      double recall[3] = {0, 0, 0};
      hfy_binary m;
      memset(&m, 0, sizeof m);
      m.dim = N, m.max_sweeps = 30, m.weights = w;
      memory_of(P, 1, seed);
      must(hfy_kernel_unpack(bits, P, N, x, &work), "unpack");
      must(hfy_binary_weights(HFY_BINARY_PSEUDO_INVERSE, x, P, N, 0, self, w, &work), "weights");
      for (f = 0; f < 3; f++) {
        hfy_rng rng = hfy_rng_seed(seed - 35);
        must(hfy_kernel_flip(bits, P, N, flips[f], &rng, cues, &work), "cues");
        must(hfy_kernel_unpack(cues, P, N, q, &work), "unpack");
        must(hfy_binary_recall(&m, q, P, out, NULL, &work), "recall");
        for (i = 0; i < P; i++) recall[f] += !memcmp(out + i * N, x + i * N, N * sizeof *x) / (double)P;
      }
      fprintf(file, "%zu,%s,%.3f,%.3f,%.3f\n", P, self ? "kept" : "zero", recall[0], recall[1], recall[2]);
      fprintf(stderr, "inverse: P %zu, diagonal %s: recall %.2f %.2f %.2f\n", P, self ? "kept" : "zero", recall[0], recall[1],
              recall[2]);
    }
  free(x), free(q), free(w), free(out);
  fclose(file);
}

/* The largest margin against the optimum at lambda 0.01: what it takes, and what it recalls. */
static void margin(void) {
  static const struct { const char *name; hfy_kernel_kind kind; double gamma; size_t P; } rows[] = {
    {"RBF", HFY_KERNEL_RBF, 0.05, 400}, {"RBF", HFY_KERNEL_RBF, 0.02, 400}, {"RBF", HFY_KERNEL_RBF, 0.01, 200},
    {"RBF", HFY_KERNEL_RBF, 0.005, 100}, {"RBF", HFY_KERNEL_RBF, 0.001, 300}, {"POLY3", HFY_KERNEL_POLYNOMIAL, 0.01, 200},
    {"LINEAR", HFY_KERNEL_LINEAR, 0.01, 50}};
  FILE *file = create("margin", "kernel,gamma,patterns,own_bit,training,iterations,products,gap_over_norm,margin,recall10,"
                                "recall20,recall30,random_fixed,end_stored,end_spurious");
  size_t r;
  int blind, limit;
  for (r = 0; r < sizeof rows / sizeof rows[0]; r++)
    for (blind = 0; blind < 2; blind++)
      for (limit = 0; limit < 2; limit++) {
        hfy_kernel k = memory_of(rows[r].P, rows[r].gamma, seed);
        hfy_kernel_margins m;
        hfy_kernel_result t;
        hfy_kernel_census census;
        double recall[3];
        memset(&m, 0, sizeof m);
        k.kind = rows[r].kind, k.no_self = blind;
        if (blind && k.kind == HFY_KERNEL_POLYNOMIAL) continue;
        if (limit) must(hfy_kernel_train_margin(&k, NULL, alpha, &m, &work), "training");
        else must(hfy_kernel_train(&k, NULL, alpha, &t, &work), "training"), m.iterations = t.iterations, m.products = t.products;
        judge(&k, recall, &census);
        fprintf(file, "%s,%g,%zu,%s,%s,%zu,%zu,%.1e,%.4g,%.2f,%.2f,%.2f,%.3f,%.3f,%.3f\n", rows[r].name, rows[r].gamma,
                rows[r].P, blind ? "without" : "with", limit ? "margin" : "exact", m.iterations, m.products,
                limit ? m.gap / m.norm : 0, m.margin, recall[0], recall[1], recall[2], census.fixed, census.stored, census.spurious);
        fprintf(stderr, "margin: %s %g, P %zu, %s own bit, %s: %zu iterations, %zu products, recall %.2f %.2f %.2f\n",
                rows[r].name, rows[r].gamma, rows[r].P, blind ? "without" : "with", limit ? "margin" : "exact", m.iterations,
                m.products, recall[0], recall[1], recall[2]);
      }
  fclose(file);
}

/* gamma 0.02 at the edge of what can be stored: descent stopped early, penalties, the margin. */
static void stop(void) {
  static const size_t loads[] = {400}, steps[] = {25, 50, 100, 200, 400, 1000};
  static const double lambdas[] = {1, 0.1, 0.01, 1e-3, 1e-4};
  FILE *file = create("stop", "patterns,training,recall10,recall20,recall30,random_fixed,end_stored,end_spurious");
  size_t l, c;
  for (l = 0; l < 1; l++)
    for (c = 0; c < 12; c++) {
      hfy_kernel k = memory_of(loads[l], 0.02, seed);
      hfy_kernel_training how;
      hfy_kernel_census census;
      double recall[3];
      char name[40];
      memset(&how, 0, sizeof how);
      if (c < 6) how.trainer = HFY_KERNEL_PAPER, how.max_iterations = steps[c], snprintf(name, sizeof name, "%zu steps", steps[c]);
      else if (c < 11) how.lambda = lambdas[c - 6], snprintf(name, sizeof name, "lambda %g", how.lambda);
      else snprintf(name, sizeof name, "margin");
      must(c < 11 ? hfy_kernel_train(&k, &how, alpha, NULL, &work) : hfy_kernel_train_margin(&k, NULL, alpha, NULL, &work), "training");
      judge(&k, recall, &census);
      fprintf(file, "%zu,%s,%.2f,%.2f,%.2f,%.3f,%.3f,%.3f\n", loads[l], name, recall[0], recall[1], recall[2], census.fixed,
              census.stored, census.spurious);
      fprintf(stderr, "stop: P %zu, %s: recall %.2f %.2f %.2f\n", loads[l], name, recall[0], recall[1], recall[2]);
    }
  fclose(file);
}

/* All bits at once, or bit after bit: recall, flips made in all by 100 cues with 20 flipped bits. */
static void order(void) {
  static const struct { double gamma; size_t P; } rows[] = {{0.02, 300}, {0.02, 400}, {0.01, 200}};
  static const char *const names[] = {"all at once", "in order", "random order"};
  FILE *file = create("order", "gamma,patterns,own_bit,order,recall10,recall20,recall30,end_stored,end_spurious,end_cycle,flips20");
  size_t r, o, i, flips[100];
  int blind;
  for (r = 0; r < 3; r++)
    for (blind = 0; blind < 2; blind++) {
      hfy_kernel k = memory_of(rows[r].P, rows[r].gamma, seed);
      k.no_self = blind;
      must(hfy_kernel_train(&k, NULL, alpha, NULL, &work), "training");
      for (o = 0; o < 3; o++) {
        hfy_rng rng = hfy_rng_seed(seed - 35);
        hfy_kernel_report report;
        hfy_kernel_census census;
        double recall[3], sum = 0;
        memset(&report, 0, sizeof report);
        report.flips = flips;
        k.order = o == 0 ? HFY_BINARY_SYNCHRONOUS : o == 1 ? HFY_BINARY_FIXED : HFY_BINARY_RANDOM, k.seed = seed;
        judge(&k, recall, &census);
        must(hfy_kernel_flip(bits, 100, N, 20, &rng, cues, &work), "cues");
        must(hfy_kernel_recall(&k, cues, 100, ends, &report, &work), "recall");
        for (i = 0; i < 100; i++) sum += (double)flips[i];
        fprintf(file, "%g,%zu,%s,%s,%.2f,%.2f,%.2f,%.3f,%.3f,%.3f,%.0f\n", rows[r].gamma, rows[r].P, blind ? "without" : "with",
                names[o], recall[0], recall[1], recall[2], census.stored, census.spurious, census.cycles, sum);
        fprintf(stderr, "order: gamma %g, P %zu, %s own bit, %s: recall %.2f %.2f %.2f, %.0f flips\n", rows[r].gamma,
                rows[r].P, blind ? "without" : "with", names[o], recall[0], recall[1], recall[2], sum);
      }
    }
  fclose(file);
}

/* Recall against N, the load and gamma N kept. */
static void size(void) {
  static const size_t dims[] = {50, 100, 200};
  static const double loads[] = {2, 4};
  FILE *file = create("size", "load,neurons,own_bit,gamma,recall10,recall20,recall30,random_fixed,end_stored,end_spurious");
  size_t d, l;
  int blind;
  for (l = 0; l < 2; l++)
    for (d = 0; d < 3; d++)
      for (blind = 0; blind < 2; blind++) {
        const size_t dim = dims[d], P = (size_t)loads[l] * dim;
        hfy_rng rng = hfy_rng_seed(seed);
        uint64_t *x = (uint64_t *)room(P * hfy_kernel_words(dim), sizeof *x);
        double *a = (double *)room(P * dim, sizeof *a), recall[3];
        hfy_kernel_census census;
        hfy_kernel k;
        memset(&k, 0, sizeof k);
        k.dim = dim, k.count = P, k.gamma = 2.0 / (double)dim, k.patterns = x, k.alpha = a, k.no_self = blind;
        must(hfy_kernel_random(P, dim, &rng, x, &work), "random patterns");
        must(hfy_kernel_train(&k, NULL, a, NULL, &work), "training");
        judge(&k, recall, &census);
        fprintf(file, "%g,%zu,%s,%g,%.2f,%.2f,%.2f,%.3f,%.3f,%.3f\n", loads[l], dim, blind ? "without" : "with", k.gamma,
                recall[0], recall[1], recall[2], census.fixed, census.stored, census.spurious);
        fprintf(stderr, "size: P/N %g, N %zu, %s own bit: recall %.2f %.2f %.2f\n", loads[l], dim, blind ? "without" : "with",
                recall[0], recall[1], recall[2]);
        free(x), free(a);
      }
  fclose(file);
}

int main(int argc, char **argv) {
  static const struct { const char *name; void (*run)(void); } parts[] = {
    {"phase", phase}, {"forces", forces}, {"spectrum", spectrum}, {"dynamics", dynamics},
    {"capacity", capacity}, {"lowrank", lowrank}, {"dense", dense}, {"own", own},
    {"solver", solver}, {"ring", ring}, {"bursts", bursts}, {"margin", margin}, {"stop", stop}, {"order", order},
    {"size", size}, {"plane", plane}, {"lowload", lowload}, {"inverse", inverse}};
  const char *part = argc > 1 ? argv[1] : "";
  size_t i, ran = 0;
  int a;
  for (a = 2; a < argc; a++)
    if (!strcmp(argv[a], "full")) full = 1;
    else if (!strncmp(argv[a], "seed=", 5)) seed = (uint64_t)strtoul(argv[a] + 5, NULL, 10);
    else directory = argv[a];
  bits = (uint64_t *)room(1600 * WORDS, sizeof *bits);
  cues = (uint64_t *)room(1600 * WORDS, sizeof *cues), ends = (uint64_t *)room(1600 * WORDS, sizeof *ends);
  alpha = (double *)room(1600 * N, sizeof *alpha), h = (double *)room(1600 * N, sizeof *h);
  gram = (double *)room(1600 * 1600, sizeof *gram);
  for (i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (!strcmp(part, "all") || !strcmp(part, parts[i].name)) parts[i].run(), ran++;
  if (!ran) fprintf(stderr, "usage: klr PART [full] [seed=42] [DIRECTORY]; PART: all, or one of the list at the top of klr.c\n");
  free(bits), free(cues), free(ends), free(alpha), free(h), free(gram);
  hfy_work_free(&work);
  return !ran;
}
