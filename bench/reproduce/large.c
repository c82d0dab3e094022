/* large.c: one training at a size: large [PATTERNS] [NEURONS] [GAMMA], default 4000 1000 0.002. Prints a line of progress an
   iteration and what came of it. Compile with -fopenmp for threads. */
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include <stdio.h>
#include <time.h>

static int report(void *context, const hfy_kernel_progress *now) {
  (void)context;
  fprintf(stderr, "iteration %3zu, max|r| %.2e, %ld s\n", now->iteration, now->residual, (long)(time(NULL) - *(time_t *)context));
  return 0;
}

int main(int argc, char **argv) {
  size_t P = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 4000, N = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 1000;
  static const size_t tenth[] = {50, 100, 200};
  hfy_kernel k;
  hfy_kernel_training how;
  hfy_kernel_result r;
  hfy_work work;
  hfy_rng rng = hfy_rng_seed(42), cues = hfy_rng_seed(7);
  uint64_t *bits = (uint64_t *)malloc(P * hfy_kernel_words(N) * sizeof *bits);
  double *alpha = (double *)malloc(P * N * sizeof *alpha), recovered[3];
  time_t start = time(NULL);
  hfy_status status;
  memset(&k, 0, sizeof k), memset(&how, 0, sizeof how), memset(&work, 0, sizeof work);
  if (!bits || !alpha || N < 200 || P < 100) return 2;
  k.dim = N, k.count = P, k.patterns = bits, k.gamma = argc > 3 ? strtod(argv[3], NULL) : 0.002;
  how.progress = report, how.context = &start;
  status = hfy_kernel_random(P, N, &rng, bits, &work);
  if (!status) status = hfy_kernel_train(&k, &how, alpha, &r, &work);
  if (!status)
    printf("P %zu, N %zu, gamma %g: %zu iterations, residual %.2e, loss %.8g, gap %.2e, %ld s, scratch %.0f MB\n", P, N, k.gamma,
           r.iterations, r.residual, r.loss, r.gap, (long)(time(NULL) - start), (double)work.peak / 1e6);
  k.alpha = alpha;
  if (!status) status = hfy_kernel_basins(&k, 100, tenth, 3, &cues, recovered, NULL, &work);
  if (!status) printf("100 cues with 50, 100, 200 flips: %.2f %.2f %.2f come back\n", recovered[0], recovered[1], recovered[2]);
  if (status) fprintf(stderr, "large: %s: %s\n", hfy_status_text(status), work.message);
  hfy_work_free(&work);
  free(bits), free(alpha);
  return status != HFY_OK;
}
