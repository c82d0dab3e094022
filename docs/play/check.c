/* check.c: a plain C program's answers to the questions of memory.js (Memory.report), for comparison: one hfy_retrieve
   each, where the page goes step by step.   check DIGITS   (DIGITS: from node pack.mjs --unpack) */
#define HFY_STATIC
#define HFY_IMPLEMENTATION
#define HFY_ONLY_NET
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>

enum { DIGITS = 2000, PIXELS = 784 };

static unsigned long long hash(const hfy_real *x, size_t n) {
  const unsigned char *b = (const unsigned char *)x;
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  size_t i;
  for (i = 0; i < n * sizeof *x; i++) h = (h ^ b[i]) * UINT64_C(0x100000001b3);
  return (unsigned long long)h;
}

static void break_it(hfy_real *q, int flip, uint64_t seed) {
  hfy_rng rng = hfy_rng_seed(seed);
  size_t i;
  for (i = 0; i < PIXELS; i++)
    if (flip && hfy_rng_uniform(&rng) < 0.2)
      q[i] = -q[i];
    else if (!flip && i >= PIXELS / 2)
      q[i] = 0;
}

typedef struct memory {
  const char *name;
  hfy_sep_kind sep;
  hfy_sim sim;
  hfy_post_kind post;
  double beta, parameter; /* alpha, gamma, k or degree */
  int rounded;
} memory;

static const memory memories[] = {
  {"sparsemax", HFY_SEP_SPARSEMAX, HFY_SIM_DOT, HFY_POST_NONE, 0.1, 0, 0},
  {"sparsemax blend", HFY_SEP_SPARSEMAX, HFY_SIM_DOT, HFY_POST_NONE, 0.004, 0, 0},
  {"1.5-entmax", HFY_SEP_ENTMAX, HFY_SIM_DOT, HFY_POST_NONE, 0.02, 1.5, 0},
  {"3-entmax", HFY_SEP_ENTMAX, HFY_SIM_DOT, HFY_POST_NONE, 0.01, 3, 0},
  {"2-normmax", HFY_SEP_NORMMAX, HFY_SIM_DOT, HFY_POST_NONE, 0.02, 2, 0},
  {"4-subsets", HFY_SEP_KSUBSETS, HFY_SIM_DOT, HFY_POST_L2, 0.05, 4, 0},
  {"euclidean", HFY_SEP_SPARSEMAX, HFY_SIM_EUCLIDEAN, HFY_POST_NONE, 0.1, 0, 0},
  {"manhattan", HFY_SEP_SPARSEMAX, HFY_SIM_MANHATTAN, HFY_POST_NONE, 0.1, 0, 0},
  {"classical", HFY_SEP_IDENTITY, HFY_SIM_DOT, HFY_POST_SIGN, 1, 0, 0},
  {"dense", HFY_SEP_POWER, HFY_SIM_DOT, HFY_POST_SIGN, 1, 4, 0},
  {"softmax", HFY_SEP_SOFTMAX, HFY_SIM_DOT, HFY_POST_NONE, 1, 0, 0},
  {"softmax blend", HFY_SEP_SOFTMAX, HFY_SIM_DOT, HFY_POST_NONE, 0.02, 0, 1}};

static int answer(const hfy_real *keys, const memory *m, size_t index, int flip) {
  static hfy_real query[PIXELS], weights[DIGITS];
  hfy_work work = {0};
  hfy_net net = {0};
  hfy_report report = {0};
  hfy_status status;
  size_t best, support, steps, i;
  double sum = 0;
  work.isa = HFY_ISA_SCALAR;
  net.dim = PIXELS;
  net.count = DIGITS;
  net.keys = keys;
  net.sim = m->sim;
  net.beta = m->beta;
  net.sep.kind = m->sep;
  net.sep.alpha = net.sep.gamma = net.sep.k = net.sep.degree = m->parameter;
  net.post.kind = m->post;
  net.post.radius = 28;
  net.max_steps = 8;
  report.best = &best;
  report.support = &support;
  report.steps = &steps;
  report.weights = weights;
  for (i = 0; i < PIXELS; i++) query[i] = keys[index * PIXELS + i];
  break_it(query, flip, index);
  status = hfy_retrieve(&net, query, 1, query, &report, &work);
  if (status) fprintf(stderr, "%s: %s\n", m->name, work.message);
  printf("%s, %d %s: %d steps, %d weights, best %d, ", m->name, (int)index, flip ? "flip" : "mask", (int)steps,
         (int)support, (int)best);
  for (i = 0; i < PIXELS; i++) sum += (double)query[i];
  if (m->rounded)
    printf("%.2f\n", sum);
  else
    printf("%016llx %016llx\n", hash(query, PIXELS), hash(weights, DIGITS));
  hfy_work_free(&work);
  return status != HFY_OK;
}

int main(int argc, char **argv) {
  static unsigned char bytes[DIGITS * PIXELS];
  static hfy_real keys[DIGITS * PIXELS];
  const size_t which[] = {7, 42, 1234};
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  size_t i, j;
  int failed = 0, flip;
  if (!file || fread(bytes, 1, sizeof bytes, file) != sizeof bytes) {
    fprintf(stderr, "usage: check DIGITS   (2,000 x 784 bytes: node pack.mjs --unpack DIGITS)\n");
    return 2;
  }
  fclose(file);
  for (i = 0; i < sizeof bytes; i++) keys[i] = (hfy_real)(bytes[i] / 255.0 * 2 - 1);
  for (i = 0; i < sizeof memories / sizeof *memories; i++)
    for (j = 0; j < 3; j++)
      for (flip = 0; flip < 2; flip++) failed |= answer(keys, &memories[i], which[j], flip);
  return failed;
}
