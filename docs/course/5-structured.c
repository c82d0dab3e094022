/* 5-structured.c: which patterns one query brings back under k-subsets, sequences and a rule of our own. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { D = 256, N = 10, K = 3 };
static hfy_real x[N * D], q[D];
static hfy_work work;

static void must(hfy_status status) {
  if (status) exit(fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message));
}

/* A rule of our own: exactly one pattern of the first five, one of the last five. Its oracle: the best of each. */
static size_t one_each(const hfy_structure *s, const double *unary, const double *higher, size_t *on, void *scratch) {
  (void)s, (void)higher, (void)scratch;
  for (size_t half = 0; half < 2; half++) {
    on[half] = 5 * half;
    for (size_t i = 5 * half; i < 5 * half + 5; i++) on[half] = unary[i] > unary[on[half]] ? i : on[half];
  }
  return 2;
}

static void ask(const char *name, const hfy_sep *sep) {
  const hfy_net net = {.dim = D, .count = N, .keys = x, .beta = 1.0 / 128, .sep = *sep};
  hfy_real weights[N], out[D];
  const hfy_report report = {.weights = weights};
  must(hfy_retrieve(&net, q, 1, out, &report, &work));
  printf("%-15s", name);
  for (int i = 0; i < N; i++) printf(" %5.2f", (double)weights[i]);
  puts("");
}

int main(void) {
  static const double mixed[N] = {0, 0, 1, 0.8, 0.4, 0, 0, 0.9, 0, 0}, transitions[] = {0, 0.5, 1, 1.5, 2, 2.5};
  static const size_t run[K] = {2, 3, 4};
  const hfy_structure halves = {.unaries = N, .most = 2, .oracle = one_each};
  hfy_sep sep = {.kind = HFY_SEP_SPARSEMAX};
  hfy_rng rng = hfy_rng_seed(4);
  hfy_theory_association told;
  char name[32];
  for (int i = 0; i < N * D; i++) x[i] = (hfy_real)hfy_rng_sign(&rng);
  for (int i = 0; i < N * D; i++) q[i % D] += (hfy_real)mixed[i / D] * x[i];
  puts("# pattern           0     1     2     3     4     5     6     7     8     9");
  ask("sparsemax", &sep);
  sep.kind = HFY_SEP_SPARSEMAP, sep.structure = &halves, ask("one-of-each", &sep);
  sep.kind = HFY_SEP_KSUBSETS, sep.structure = NULL, sep.k = K, ask("3-subsets", &sep);
  sep.kind = HFY_SEP_SEQUENCE_KSUBSETS;
  for (int t = 0; t < 6; t++)
    sep.transition = transitions[t], sprintf(name, "sequence,t=%g", sep.transition), ask(name, &sep);
  must(hfy_theory_associates(&(hfy_net){.dim = D, .count = N, .keys = x, .beta = 1, .sep = sep}, run, K, &told, &work));
  printf("\nbeta 1, run 2 3 4: separation %.0f, needed %.0f, radius %.2f\n", told.separation, told.needed, told.radius);
  hfy_work_free(&work);
  return 0;
}
