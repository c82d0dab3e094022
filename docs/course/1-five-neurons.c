/* 1-five-neurons.c: Hebb's weights, the energy and the sign update on five neurons, by hand and by the library. */
#include "../../hfy.h"
#include <stdio.h>
#include <string.h>

enum { D = 5, N = 2, STATES = 32 };
static const hfy_real x[N][D] = {{1, 1, 1, -1, -1}, {1, -1, 1, -1, 1}};
static hfy_real w[D][D];

static double drive(const hfy_real *q, int j) { /* (Wq)_j */
  double sum = 0;
  for (int k = 0; k < D; k++) sum += (double)(w[j][k] * q[k]);
  return sum;
}
static double energy(const hfy_real *q) { /* HFY (1) */
  double sum = 0;
  for (int j = 0; j < D; j++) sum += (double)q[j] * drive(q, j);
  return sum > 0 ? -sum / 2 : sum / -2 + 0;
}
static void show(const hfy_real *q) {
  for (int j = 0; j < D; j++) putchar(q[j] > 0 ? '+' : '-');
}
static void sweep(hfy_real *q, int all) { /* each neuron takes the sign of its drive; all 0: up to the first flip */
  for (int j = 0; j < D; j++) {
    const double h = drive(q, j);
    const int flips = h * (double)q[j] < 0; /* a drive of 0 changes nothing */
    if (all > 1) printf("  neuron %d: drive %2.0f%s\n", j + 1, h, flips ? ", flips" : "");
    if (flips) q[j] = -q[j];
    if (flips && !all) return;
  }
}

int main(void) {
  hfy_real q[D] = {1, 1, -1, -1, 1}, library[D][D], all[STATES][D], end[STATES][D];
  hfy_binary memory = {.dim = D, .weights = &library[0][0], .kind = HFY_BINARY_WEIGHTS, .order = HFY_BINARY_FIXED};
  int alike = 0;
  for (int j = 0; j < D; j++, puts(""))
    for (int k = 0; k < D; k++) {
      for (int i = 0; i < N; i++) w[j][k] += j == k ? 0 : x[i][j] * x[i][k];
      printf("%3.0f", (double)w[j][k]);
    }
  if (hfy_binary_weights(HFY_BINARY_HEBBIAN, x[0], N, D, 0, 0, library[0], NULL)) return 1;
  printf("the library's weights: %s\n\n", memcmp(w, library, sizeof w) ? "others" : "the same");
  show(q), printf("  E = %.0f\n", energy(q)), sweep(q, 2);
  show(q), printf("  E = %.0f\n\n# state  E next   end\n", energy(q));
  for (int s = 0; s < STATES; s++)
    for (int j = 0; j < D; j++) all[s][j] = s >> j & 1 ? -1 : 1;
  if (hfy_binary_recall(&memory, all[0], STATES, end[0], NULL, NULL)) return 1;
  for (int s = 0; s < STATES; s++) {
    show(all[s]), printf("  %3.0f  ", energy(all[s])), sweep(all[s], 0);
    show(all[s]), printf("  ");
    for (int i = 0; i < D; i++) sweep(all[s], 1);
    show(all[s]), puts("");
    alike += !memcmp(all[s], end[s], sizeof end[s]);
  }
  printf("\nthe library ends in the same state: %d of %d\n", alike, STATES);
  return alike != STATES;
}
