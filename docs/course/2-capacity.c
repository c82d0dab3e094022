/* 2-capacity.c: how many random patterns of 100 bits come back whole from cues with 10 wrong bits, by five memories. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { D = 100, MOST = 2000, ASKED = 100, WRONG = 10 };
static hfy_real x[MOST * D], cue[ASKED * D], out[ASKED * D], w[D * D];
static hfy_work work;

static void must(hfy_status status) {
  if (!status) return;
  fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message);
  exit(1);
}

/* In percent, of those that were asked for. */
static double recalled(const hfy_binary *memory, int asked) {
  int whole = 0;
  must(hfy_binary_recall(memory, cue, (size_t)asked, out, NULL, &work));
  for (int i = 0; i < asked; i++) whole += !memcmp(out + i * D, x + i * D, D * sizeof *x);
  return 100.0 * whole / asked;
}

int main(void) {
  static const int counts[] = {2, 5, 10, 14, 20, 30, 50, 70, 100, 200, 500, 1000, 2000};
  hfy_rng rng = hfy_rng_seed(1);
  for (int k = 0; k < MOST * D; k++) x[k] = (hfy_real)hfy_rng_sign(&rng);
  memcpy(cue, x, sizeof cue);
  for (int i = 0; i < ASKED; i++) /* WRONG different bits of each */
    for (int left = WRONG; left;) {
      const int at = i * D + (int)(hfy_rng_uniform(&rng) * D);
      if (cue[at] * x[at] < 0) continue;
      cue[at] = -cue[at], left--;
    }
  puts("# patterns    Hebb  pseudo-inverse  cubes  4th powers   exp");
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
    const int n = counts[c], asked = n < ASKED ? n : ASKED;
    hfy_binary memory = {.dim = D, .count = (size_t)n, .patterns = x, .weights = w, .order = HFY_BINARY_FIXED,
                         .max_sweeps = 10};
    printf("%8d", n);
    for (hfy_binary_rule rule = HFY_BINARY_HEBBIAN; rule <= HFY_BINARY_PSEUDO_INVERSE; rule++) {
      if (n > D) { /* more patterns than bits: neither rule holds them */
        printf("%10s", "-");
        continue;
      }
      must(hfy_binary_weights(rule, x, (size_t)n, D, 0, 0, w, &work));
      printf("%10.0f", recalled(&memory, asked));
    }
    memory.kind = HFY_BINARY_RECTIFIED;
    for (memory.degree = 3; memory.degree < 5; memory.degree++) printf("%11.0f", recalled(&memory, asked));
    memory.kind = HFY_BINARY_EXP;
    printf("%9.0f\n", recalled(&memory, asked));
  }
  hfy_work_free(&work);
  return 0;
}
