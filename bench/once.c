/* once.c: a whole process with one retrieval in it, to measure what a process costs.
 *     once [COUNT DIM QUERIES SEPARATION [BETA]]      softmax, sparsemax, entmax15, normmax5, ksubsets4 or argmax
 * Prints: bytes of keys, bytes of queries and answers, the most scratch a call asked for, the process's peak resident
 * bytes before the retrieval and after it. */
#define HFY_STATIC
#define HFY_IMPLEMENTATION
#include "hfy.h"
#include <stdio.h>

static double peak_rss(void) {
  char line[256];
  double kib = 0;
  FILE *f = fopen("/proc/self/status", "r");
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, "VmHWM:", 6)) kib = atof(line + 6);
  if (f) fclose(f);
  return kib * 1024;
}

int main(int argc, char **argv) {
  size_t count = argc > 1 ? (size_t)atol(argv[1]) : 1000, dim = argc > 2 ? (size_t)atol(argv[2]) : 784;
  size_t queries = argc > 3 ? (size_t)atol(argv[3]) : 1, i;
  const char *name = argc > 4 ? argv[4] : "softmax";
  hfy_real *keys = (hfy_real *)malloc(count * dim * sizeof *keys), *q = (hfy_real *)malloc(queries * dim * sizeof *q);
  hfy_real *out = (hfy_real *)malloc(queries * dim * sizeof *out);
  hfy_net net = {0};
  hfy_work work = {0};
  hfy_status status;
  double before;
  uint64_t state = 1;
  if (!keys || !q || !out) return 1;
  for (i = 0; i < count * dim; i++) {
    if (argc == 1) {
      keys[i] = 1; /* as the peers' programs have it: making numbers is not what is measured */
      continue;
    }
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* uniform on [-1, 1) */
    keys[i] = (hfy_real)((double)(int32_t)(state >> 32) / 2147483648.0);
  }
  for (i = 0; i < queries * dim; i++) q[i] = keys[i % (count * dim)], out[i] = 0;
  net.keys = keys, net.count = count, net.dim = dim, net.beta = argc > 5 ? atof(argv[5]) : 0.1;
  if (!strcmp(name, "sparsemax")) net.sep.kind = HFY_SEP_SPARSEMAX;
  if (!strcmp(name, "entmax15")) net.sep.kind = HFY_SEP_ENTMAX;
  if (!strcmp(name, "normmax5")) net.sep.kind = HFY_SEP_NORMMAX, net.sep.gamma = 5;
  if (!strcmp(name, "ksubsets4")) net.sep.kind = HFY_SEP_KSUBSETS, net.sep.k = 4;
  if (!strcmp(name, "argmax")) net.sep.kind = HFY_SEP_ARGMAX;
  before = peak_rss();
  status = hfy_retrieve(&net, q, queries, out, NULL, &work);
  if (status) {
    fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message);
    return 1;
  }
  printf("%.0f %.0f %.0f %.0f %.0f\n", (double)(count * dim * sizeof *keys), (double)(2 * queries * dim * sizeof *q),
         (double)work.peak, before, peak_rss());
  hfy_work_free(&work);
  free(keys), free(q), free(out);
  return 0;
}
