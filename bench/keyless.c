/* keyless.c: answers from an index without its keys beside the scan of the keys: time, bytes, and what is certified

       cc -std=c99 -O2 keyless.c -o keyless -lm && ./keyless [COUNT [DIM]]   (1000000 128)

   Random unit rows; queries near one of them (cosine 0.87) and random ones. ROUNDS rounds, the ways one after another in
   each; medians of a query's milliseconds. */
#define _POSIX_C_SOURCE 200809L
#define HFY_STATIC
#define HFY_IMPLEMENTATION
#include "../hfy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUERIES = 200, TIMED = 10, ROUNDS = 9 };

static double ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static int above(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void normalise(hfy_real *x, size_t dim) {
  double square = 0;
  size_t d;
  for (d = 0; d < dim; d++) square += (double)x[d] * (double)x[d];
  for (d = 0; d < dim; d++) x[d] = (hfy_real)((double)x[d] / sqrt(square));
}

int main(int argc, char **argv) {
  const size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000, dim = argc > 2 ? strtoul(argv[2], NULL, 10) : 128;
  static const size_t ks[] = {1, 10};
  hfy_real *keys = (hfy_real *)malloc((count + QUERIES) * dim * sizeof *keys), *q = keys + count * dim, *out = NULL;
  static size_t top[QUERIES * 10], certified[QUERIES], best;
  hfy_index_options plain = {SIZE_MAX, 0, 0, HFY_SIM_DOT};
  const size_t bytes = hfy_index_size(count, dim, &plain);
  void *memory = malloc(bytes);
  hfy_index index;
  hfy_work work = {0};
  hfy_net net = {0};
  hfy_report report = {0};
  hfy_rng rng = hfy_rng_seed(1);
  double time[3][ROUNDS];
  size_t i, j, d, half, wrong = 0, sure[2][2] = {{0, 0}, {0, 0}};
  out = (hfy_real *)malloc(dim * sizeof *out);
  if (!keys || !memory || !out) return 1;
  for (i = 0; i < count + QUERIES; i++) {
    const size_t near = (size_t)(hfy_rng_u64(&rng) % count);
    const double size = i < count ? 1 : 0.57 / sqrt((double)dim);
    for (d = 0; d < dim; d++) keys[i * dim + d] = (hfy_real)(size * hfy_rng_normal(&rng));
    for (d = 0; i >= count && i % 2 && d < dim; d++) keys[i * dim + d] += keys[near * dim + d];
    normalise(keys + i * dim, dim);
  }
  if (hfy_index_build(keys, count, dim, 0, &plain, memory, bytes, &index, &work)) return 1;
  net.dim = dim, net.count = count, net.keys = keys, net.beta = 1, net.sep.kind = HFY_SEP_ARGMAX;
  report.best = &best;
  for (half = 0; half < 2; half++) {
    if (hfy_index_top(&index, HFY_SIM_DOT, 1, q, QUERIES, ks[half], top, NULL, NULL, certified, &work)) return 1;
    for (j = 0; j < QUERIES; j++) sure[half][(count + j) % 2] += certified[j] == ks[half];
    for (j = 0; !half && j < QUERIES; j += 5) {
      if (hfy_retrieve(&net, q + j * dim, 1, out, &report, &work)) return 1;
      wrong += certified[j] && best != top[j];
    }
  }
  for (i = 0; i < ROUNDS; i++)
    for (half = 0; half < 3; half++) {
      const double from = ms();
      for (j = 0; j < TIMED; j++)
        if (half < 2 ? hfy_index_top(&index, HFY_SIM_DOT, 1, q + j * dim, 1, ks[half], top, NULL, NULL, certified, &work)
                     : hfy_retrieve(&net, q + j * dim, 1, out, &report, &work))
          return 1;
      time[half][i] = (ms() - from) / TIMED;
    }
  for (half = 0; half < 3; half++) qsort(time[half], ROUNDS, sizeof **time, above);
  printf("%zu x %zu: keys %zu bytes, index %zu, that without keys %zu: %.3f of both\n", count, dim,
         count * dim * sizeof *keys, hfy_index_size(count, dim, NULL), bytes,
         (double)bytes / ((double)(count * dim * sizeof *keys) + (double)hfy_index_size(count, dim, NULL)));
  printf("ms per query: best %.2f, best 10 %.2f, scan of the keys %.2f\n", time[0][ROUNDS / 2], time[1][ROUNDS / 2],
         time[2][ROUNDS / 2]);
  printf("certified of %d: near a row %zu, random %zu; all of the best 10: near %zu, random %zu; wrong %zu\n", QUERIES / 2,
         sure[0][1], sure[0][0], sure[1][1], sure[1][0], wrong);
  free(keys), free(memory), free(out);
  hfy_work_free(&work);
  return wrong > 0;
}
