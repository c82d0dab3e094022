/* 2-answers.c: squares are Hebb's rule; how many bits crosstalk turns; what the theorem on e^a promises. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { D = 100, N = 30, DRAWS = 200 };
static hfy_real x[N * D], out[N * D], other[N * D], w[D * D];
static hfy_work work;

static void must(hfy_status status) {
  if (!status) return;
  fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message);
  exit(1);
}

int main(void) {
  static const size_t counts[] = {5, 14, 30};
  hfy_rng rng = hfy_rng_seed(2);
  hfy_binary memory = {.dim = D, .weights = w, .kind = HFY_BINARY_WEIGHTS, .order = HFY_BINARY_FIXED};
  hfy_binary squares = {.dim = D, .count = N, .patterns = x, .kind = HFY_BINARY_POWER, .order = HFY_BINARY_FIXED,
                        .degree = 2};
  double rate, count;
  for (int k = 0; k < N * D; k++) x[k] = (hfy_real)hfy_rng_sign(&rng);
  must(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, N, D, 0, 0, w, &work));
  must(hfy_binary_recall(&memory, x, N, out, NULL, &work));
  must(hfy_binary_recall(&squares, x, N, other, NULL, &work));
  printf("squares and Hebb end in the same states: %s\n\n", memcmp(out, other, sizeof out) ? "no" : "yes");

  memory.order = HFY_BINARY_SYNCHRONOUS, memory.max_sweeps = 1;
  puts("patterns  bits that one step turns, in %: predicted  measured");
  for (int c = 0; c < 3; c++) {
    const size_t n = counts[c];
    double turned = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
      for (size_t k = 0; k < n * D; k++) x[k] = (hfy_real)hfy_rng_sign(&rng);
      must(hfy_binary_weights(HFY_BINARY_HEBBIAN, x, n, D, 0, 0, w, &work));
      must(hfy_binary_recall(&memory, x, n, out, NULL, &work));
      for (size_t k = 0; k < n * D; k++) turned += x[k] * out[k] < 0;
    }
    printf("%8d %41.1f %9.1f\n", (int)n, 50 * erfc(sqrt((D - 1.0) / (double)(n - 1) / 2)),
           100 * turned / ((double)n * D * DRAWS));
  }

  must(hfy_theory_capacity_binary(0.1, D, &rate, &count, &work));
  printf("\n10 %% of 100 bits wrong: rate %.3f, e^(100 rate) = %.1e patterns\n", rate, count);
  hfy_work_free(&work);
  return 0;
}
