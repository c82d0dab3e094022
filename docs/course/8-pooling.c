/* 8-pooling.c: a trained state finds the row that makes a bag positive; softmax and sparsemax, trained alike. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAGS = 256, ROWS = 12, WIDTH = 8, STEPS = 160, TAPE = 60000, BOTH = 2 * BAGS * ROWS * WIDTH };
static hfy_real bags[BOTH]; /* those that train, then those that test */
static hfy_real params[512], grads[512], tape[TAPE], weights[BAGS * ROWS];
static hfy_work work;

static void must(hfy_status s) { if (s) exit(fprintf(stderr, "%s: %s\n", hfy_status_text(s), work.message)); }

static void train(hfy_sep_kind kind) {
  hfy_real moments[1024] = {0}, pooled[BAGS * WIDTH], d_pooled[BAGS * WIDTH], y[BAGS], dy[BAGS];
  const hfy_layer pool = {.width = WIDTH, .queries = 1, .sep.kind = kind, .norm_stored = HFY_LAYER_RAW,
                          .norm_projected = HFY_LAYER_RAW}; /* rows go in as they are */
  const hfy_dense dense = {.in = WIDTH, .out = 1};
  const hfy_layer_report report = {.weights = weights};
  const hfy_layer_grad grad = {.params = grads};
  hfy_layer_input in = {.bags = BAGS, .stored_each = ROWS, .tape_reals = TAPE};
  hfy_optimiser adam = {.rate = 0.01};
  hfy_param table[32];
  hfy_rng rng = hfy_rng_seed(2);
  size_t n, more, own, all;
  must(hfy_layer_params(&pool, "pool.", 0, table, 32, &n, &own, &work));
  must(hfy_dense_params(&dense, "dense.", own, table + n, 32 - n, &more, &all, &work));
  must(hfy_param_init(table, n + more, &rng, params, &work));
  for (int step = 0; step <= STEPS; step++)
    for (int test = step % 20 ? 0 : 1; test >= 0; test--) { /* now and then the other bags first */
      double loss = 0, right = 0, found = 0;
      in.stored = bags + test * BOTH / 2;
      must(hfy_layer_forward(&pool, params, &in, pooled, tape, test ? &report : NULL, &work));
      must(hfy_dense_forward(&dense, params + own, pooled, BAGS, y, &work));
      for (int b = 0; b < BAGS; b++) { /* every other bag is positive: its row 3 holds the signal */
        const double label = b % 2, p = 1 / (1 + exp(-(double)y[b]));
        loss -= log(label > 0 ? p : 1 - p) / BAGS, right += (y[b] > 0) == (b % 2);
        found += label * (double)weights[b * ROWS + 3] / (BAGS / 2), dy[b] = (hfy_real)((p - label) / BAGS);
      }
      if (test) {
        printf("%-10s %5d %6.2f %8.1f %8.2f\n", kind ? "sparsemax" : "softmax", step, loss, 100 * right / BAGS, found);
        continue;
      }
      memset(grads, 0, sizeof grads), memset(d_pooled, 0, sizeof d_pooled);
      must(hfy_dense_backward(&dense, params + own, pooled, y, dy, BAGS, (hfy_real *[]){d_pooled, grads + own}, &work));
      must(hfy_layer_backward(&pool, params, &in, tape, d_pooled, &grad, &work));
      must(hfy_optimiser_step(&adam, table, n + more, params, grads, moments, NULL, &work));
    }
}

int main(void) {
  hfy_rng rng = hfy_rng_seed(1);
  for (int i = 0; i < BOTH; i++) bags[i] = (hfy_real)hfy_rng_normal(&rng);
  for (int b = 1; b < 2 * BAGS; b += 2)
    for (int d = 0; d < 4; d++) bags[(b * ROWS + 3) * WIDTH + d] += (hfy_real)(d % 2 ? -2.5 : 2.5);
  puts("# pooling   step   loss right, %  weight on the signal");
  train(HFY_SEP_SOFTMAX), train(HFY_SEP_SPARSEMAX), hfy_work_free(&work);
  return 0;
}
