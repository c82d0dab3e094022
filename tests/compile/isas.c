/* isas.c: which instruction sets a build has, and the bits that each gives: a line `name hash` for every one, then
   `best name`. One that this CPU or build lacks is UNSUPPORTED and touches nothing. */
#define HFY_STATIC
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include <stdio.h>

static uint64_t hash = UINT64_C(1469598103934665603);
static void add(const void *data, size_t bytes) {
  const unsigned char *p = (const unsigned char *)data;
  while (bytes--) hash = (hash ^ *p++) * UINT64_C(1099511628211);
}

int main(void) {
  enum { count = 40, dim = 53, queries = 5, n = 20 };
  static hfy_real keys[count * dim], start[queries * dim], out[queries * dim];
  static double a[n * n], values[n], vectors[n * n];
  hfy_rng rng = hfy_rng_seed(15);
  hfy_net net;
  hfy_work work;
  int isa, bad = 0;
  size_t i;
  memset(&net, 0, sizeof net);
  memset(&work, 0, sizeof work);
  for (i = 0; i < count * dim; i++) keys[i] = (hfy_real)hfy_rng_normal(&rng);
  for (i = 0; i < queries * dim; i++) start[i] = keys[i] + (hfy_real)hfy_rng_normal(&rng);
  for (i = 0; i < n * n; i++) a[i] = hfy_rng_normal(&rng);
  net.dim = dim;
  net.count = count;
  net.keys = keys;
  net.max_steps = 4;
  for (isa = HFY_ISA_SCALAR; isa <= HFY_ISA_NEON; isa++) {
    hfy_status status;
    work.isa = (hfy_isa)isa;
    out[0] = 7;
    net.sep.kind = HFY_SEP_SPARSEMAX;
    status = hfy_retrieve(&net, start, queries, out, NULL, &work);
    if (status) {
      bad |= status != HFY_ERR_UNSUPPORTED || out[0] < 7 || out[0] > 7 || !strstr(work.message, "CPU or build");
      bad |= hfy_linalg_eigen(a, n, values, vectors, &work) != HFY_ERR_UNSUPPORTED;
      continue;
    }
    add(out, sizeof out);
    net.sep.kind = HFY_SEP_SOFTMAX;
    bad |= hfy_retrieve(&net, start, queries, out, NULL, &work) != HFY_OK;
    add(out, sizeof out);
    bad |= hfy_linalg_eigen(a, n, values, vectors, &work) != HFY_OK || hfy_simd_isa(&work) != (hfy_isa)isa;
    add(values, sizeof values);
    add(vectors, sizeof vectors);
    printf("%s %08lx%08lx\n", hfy_simd_text((hfy_isa)isa), (unsigned long)(hash >> 32),
           (unsigned long)(hash & 0xFFFFFFFF));
    hash = UINT64_C(1469598103934665603);
  }
  printf("best %s\n", hfy_simd_text(hfy_simd_isa(NULL)));
  hfy_work_free(&work);
  return bad;
}
