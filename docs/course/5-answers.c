/* 5-answers.c: 3-subsets by hand, the transition that a run needs, and the gap that k-subsets need. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>

enum { N = 10 };

static void must(hfy_status status) {
  if (status) exit(fprintf(stderr, "%s\n", hfy_status_text(status)));
}

/* Is the answer the run 2 3 4 alone, when the scores of the chapter are c times as large? */
static const char *run(double c, double t) {
  static const double scores[N] = {0, 0, 2, 1.6, 0.8, 0, 0, 1.8, 0, 0};
  const hfy_sep sep = {.kind = HFY_SEP_SEQUENCE_KSUBSETS, .k = 3, .transition = t};
  hfy_real theta[N], y[N];
  int exact = 1;
  for (int i = 0; i < N; i++) theta[i] = (hfy_real)(c * scores[i]);
  must(hfy_sep_apply(&sep, theta, 1, N, y, NULL));
  for (int i = 0; i < N; i++) exact &= i >= 2 && i <= 4 ? !(y[i] < 1) : !(y[i] > 0);
  return exact ? "the run" : "a mixture";
}

int main(void) {
  const hfy_real theta[4] = {2, 1.8f, 1.6f, 1.2f};
  hfy_sep sep = {.kind = HFY_SEP_KSUBSETS, .k = 3};
  hfy_real y[4];
  must(hfy_sep_apply(&sep, theta, 1, 4, y, NULL));
  printf("3-subsets of (2, 1.8, 1.6, 1.2): (%.3f, %.3f, %.3f, %.3f)\n\n", (double)y[0], (double)y[1], (double)y[2],
         (double)y[3]);

  printf("c = 1.24, t = 100:  %s\n", run(1.24, 100));
  printf("c = 1.26, t = 2.28: %s\n", run(1.26, 2.28));
  printf("c = 1.26, t = 2.24: %s\n\n", run(1.26, 2.24));

  for (double gap = 1.01; gap > 0.98; gap -= 0.02) {
    const hfy_real scores[4] = {3, 3, 3, (hfy_real)(3 - gap)};
    must(hfy_sep_apply(&sep, scores, 1, 4, y, NULL));
    printf("gap %.2f: %s\n", gap, y[0] < 1 || y[3] > 0 ? "a mixture" : "exactly the three best");
  }
  return 0;
}
