/* 1-answers.c: what the answers of chapter 1 say, counted over all 32 states. */
#include "../../hfy.h"
#include <stdio.h>
#include <string.h>

enum { D = 5, N = 2, STATES = 32 };
static const hfy_real x[N * D] = {1, 1, 1, -1, -1, 1, -1, 1, -1, 1};

int main(void) {
  hfy_real w[D * D], all[STATES * D], out[STATES * D], flipped[D];
  hfy_binary memory = {.dim = D, .weights = w, .kind = HFY_BINARY_WEIGHTS, .order = HFY_BINARY_FIXED};
  size_t period[STATES];
  hfy_binary_report report = {.period = period};
  double before, after;
  int right = 0, fixed = 0, cycles = 0;
  if (hfy_binary_weights(HFY_BINARY_HEBBIAN, x, N, D, 0, 0, w, NULL)) return 1;
  for (int s = 0; s < STATES; s++)
    for (int j = 0; j < D; j++) all[s * D + j] = s >> j & 1 ? -1 : 1;

  for (int s = 0; s < STATES; s++)
    for (int j = 0; j < D; j++) {
      double h = 0;
      for (int k = 0; k < D; k++) h += (double)(w[j * D + k] * all[s * D + k]);
      memcpy(flipped, all + s * D, sizeof flipped);
      flipped[j] = -flipped[j];
      if (hfy_binary_energy(&memory, all + s * D, 1, &before, NULL, NULL)) return 1;
      if (hfy_binary_energy(&memory, flipped, 1, &after, NULL, NULL)) return 1;
      right += fabs(after - before - 2 * (double)all[s * D + j] * h) < 1e-9;
    }
  printf("a flip changes E by 2 q_j (Wq)_j: %d of %d\n", right, STATES * D);

  if (hfy_binary_recall(&memory, all, STATES, out, NULL, NULL)) return 1;
  puts("\nfixed points:");
  for (int s = 0; s < STATES; s++) {
    if (memcmp(all + s * D, out + s * D, D * sizeof *out)) continue;
    fixed++;
    for (int j = 0; j < D; j++) putchar(all[s * D + j] > 0 ? '+' : '-');
    puts("");
  }
  printf("together %d\n", fixed);

  memory.order = HFY_BINARY_SYNCHRONOUS;
  if (hfy_binary_recall(&memory, all, STATES, out, &report, NULL)) return 1;
  printf("\nall at once, states that end in a cycle of two:");
  for (int s = 0; s < STATES; s++) cycles += period[s] == 2;
  printf(" %d of %d; for example ", cycles, STATES);
  for (int s = 0; s < STATES; s++)
    if (period[s] == 2) {
      for (int j = 0; j < D; j++) putchar(all[s * D + j] > 0 ? '+' : '-');
      break;
    }
  puts("");
  return 0;
}
