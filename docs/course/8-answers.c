/* 8-answers.c: backward against differences, the order of rows, and what the pooling is before it has learned. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>

enum { BAGS = 4, ROWS = 12, WIDTH = 8, TAPE = 4000, MOST = 512 };
static hfy_real bags[BAGS * ROWS * WIDTH], turned[BAGS * ROWS * WIDTH], params[MOST], other[MOST], grads[MOST];
static hfy_real tape[TAPE], pooled[BAGS * WIDTH], again[BAGS * WIDTH], c[BAGS * WIDTH], weights[BAGS * ROWS];
static const hfy_layer pool = {.width = WIDTH, .queries = 1, .sep.kind = HFY_SEP_SOFTMAX};
static hfy_layer_input in = {.bags = BAGS, .stored_each = ROWS, .stored = bags, .tape_reals = TAPE};
static hfy_work work;

static void must(hfy_status status) {
  if (status) exit(fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message));
}

/* c . pooled with the parameters moved by `step` along u */
static double value(const double *u, size_t n, double step) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) other[i] = (hfy_real)((double)params[i] + step * u[i]);
  must(hfy_layer_forward(&pool, other, &in, pooled, NULL, NULL, &work));
  for (int i = 0; i < BAGS * WIDTH; i++) sum += (double)(c[i] * pooled[i]);
  return sum;
}

int main(void) {
  hfy_param table[32];
  hfy_rng rng = hfy_rng_seed(1);
  const hfy_layer_report report = {.weights = weights};
  const hfy_layer_grad grad = {.params = grads};
  double u[MOST], slope = 0, differences, off = 0;
  size_t n, all;
  must(hfy_layer_params(&pool, "", 0, table, 32, &n, &all, &work));
  must(hfy_param_init(table, n, &rng, params, &work));
  for (int i = 0; i < BAGS * ROWS * WIDTH; i++) bags[i] = (hfy_real)hfy_rng_normal(&rng);
  must(hfy_layer_forward(&pool, params, &in, pooled, NULL, &report, &work));
  for (int i = 0; i < BAGS * ROWS; i++) off = fmax(off, fabs((double)weights[i] - 1.0 / ROWS));
  printf("before training all weights are 1/12 to 0.01: %s\n", off < 0.01 ? "yes" : "no");

  for (size_t i = 0; i < all; i++) params[i] *= 15, u[i] = hfy_rng_normal(&rng); /* as if trained */
  for (int i = 0; i < BAGS * WIDTH; i++) c[i] = (hfy_real)hfy_rng_normal(&rng);
  must(hfy_layer_forward(&pool, params, &in, pooled, tape, NULL, &work));
  must(hfy_layer_backward(&pool, params, &in, tape, c, &grad, &work));
  for (size_t i = 0; i < all; i++) slope += u[i] * (double)grads[i];
  differences = (value(u, all, 0.001) - value(u, all, -0.001)) / 0.002;
  printf("\nbackward and differences agree to 1 %%: %s\n", fabs(differences - slope) < 0.01 * fabs(slope) ? "yes" : "no");

  for (int b = 0; b < BAGS; b++) /* each bag back to front */
    for (int k = 0; k < ROWS * WIDTH; k++)
      turned[b * ROWS * WIDTH + k] = bags[(b * ROWS + ROWS - 1 - k / WIDTH) * WIDTH + k % WIDTH];
  must(hfy_layer_forward(&pool, params, &in, pooled, NULL, NULL, &work));
  in.stored = turned;
  must(hfy_layer_forward(&pool, params, &in, again, NULL, NULL, &work));
  off = 0;
  for (int i = 0; i < BAGS * WIDTH; i++) off = fmax(off, fabs((double)(pooled[i] - again[i])));
  printf("\nrows in another order, the same answer to 1e-4: %s\n", off < 1e-4 ? "yes" : "no");
  hfy_work_free(&work);
  return 0;
}
