/* 6-answers.c: a kernel memory as a net of chapter 3's stages, the width that stands out best, the optimum checked. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>

enum { D = 60, P = 150 };
static uint64_t patterns[P], cues[P], out[P];
static double alpha[P * D], gram[P * P];
static hfy_real keys[P * D], values[P * D], states[P * D];
static hfy_work work;

static void must(hfy_status status) {
  if (status) exit(fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message));
}

/* ln of signal over crosstalk for a share f of wrong bits. */
static double stands_out(double gamma, double f) {
  return -4 * gamma * f * D - 0.5 * D * log((1 + exp(-8 * gamma)) / 2);
}

int main(void) {
  hfy_rng rng = hfy_rng_seed(1);
  hfy_kernel memory = {.dim = D, .count = P, .patterns = patterns, .gamma = 0.1, .alpha = alpha};
  hfy_net net;
  double worst = 0;
  int same = 0;
  must(hfy_kernel_random(P, D, &rng, patterns, &work));
  must(hfy_kernel_train(&memory, NULL, alpha, NULL, &work));
  must(hfy_kernel_flip(patterns, P, D, 6, &rng, cues, &work));
  memory.max_steps = 1;
  must(hfy_kernel_recall(&memory, cues, P, out, NULL, &work));
  must(hfy_kernel_net(&memory, keys, values, &net, &work));
  must(hfy_kernel_unpack(cues, P, D, states, &work));
  must(hfy_retrieve(&net, states, P, states, NULL, &work));
  must(hfy_kernel_pack(states, P, D, cues, &work));
  for (int i = 0; i < P; i++) same += cues[i] == out[i];
  printf("one step of the memory and of the net agree: %d of %d\n", same, P);

  puts("\nshare of wrong bits   best gamma by search   hfy_kernel_gamma");
  for (double f = 0.1; f < 0.35; f += 0.1) {
    double best = 0.001;
    for (double gamma = 0.001; gamma < 1; gamma += 0.001)
      if (stands_out(gamma, f) > stands_out(best, f)) best = gamma;
    printf("%19.1f %22.3f %18.3f\n", f, best, hfy_kernel_gamma(f));
  }

  must(hfy_kernel_gram(&memory, gram, &work));
  for (int m = 0; m < P; m++)
    for (int i = 0; i < D; i++) {
      const double s = patterns[m] >> i & 1 ? 1 : -1;
      double h = 0;
      for (int v = 0; v < P; v++) h += gram[m * P + v] * alpha[v * D + i];
      worst = fmax(worst, fabs(0.01 * alpha[m * D + i] - s / (1 + exp(s * h))));
    }
  printf("\nlambda alpha is xi / (1 + e^(xi h)) everywhere to 1e-6: %s\n", worst < 1e-6 ? "yes" : "no");
  hfy_work_free(&work);
  return 0;
}
