/* landscape.c: a small kernel memory, trained: how many flipped bits it forgives, and the forces at its patterns, for one
   kernel width after another. Shows hfy_kernel_train, _basins, _explore, _forces and _spectra.

       landscape [PATTERNS] [NEURONS]        default 150 60

   Read the lines together: "stored" is 1 all the way down, but towards small gamma the share of random states that
   stand still goes to 1 as well: there the memory is the identity map and holds nothing. The useful widths are where
   cues with flipped bits come back. */
#include "../hfy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
  static const double gammas[] = {0.3, 0.1, 0.05, 0.03, 0.02, 0.01, 0.003, 0.001};
  size_t count = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 150;
  size_t dim = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 60, words, g, i, j, flips[4];
  hfy_work work = {0};
  hfy_rng rng = hfy_rng_seed(1);
  hfy_status status = HFY_OK;
  uint64_t *patterns;
  double *alpha, *point;

  if (argc > 3 || count < 1 || count > 5000 || dim < 10 || dim > 5000) {
    fprintf(stderr, "usage: landscape [PATTERNS 1..5000] [NEURONS 10..5000]\n");
    return 2;
  }
  words = hfy_kernel_words(dim);
  patterns = (uint64_t *)malloc(count * words * sizeof *patterns);
  alpha = (double *)malloc(count * dim * sizeof *alpha);
  point = (double *)malloc(dim * sizeof *point);
  if (!patterns || !alpha || !point) return 1;
  for (j = 0; j < 4; j++) flips[j] = dim * (j + 1) / 10;

  status = hfy_kernel_random(count, dim, &rng, patterns, &work);
  printf("%lu random patterns of %lu bits; trained to the optimum\n", (unsigned long)count, (unsigned long)dim);
  printf("for 20 %% of flipped bits theory suggests gamma %.3f\n\n", hfy_kernel_gamma(0.2));
  printf("           training          share of cues that come back whole   random     landscape at pattern 0\n");
  printf("   gamma  steps  stored     10%% flipped    20%%    30%%    40%%    fixed     |Fd|^2    |Fi|^2      M     rho  "
         "rank\n");
  for (g = 0; !status && g < sizeof gammas / sizeof gammas[0]; g++) {
    hfy_kernel memory;
    hfy_kernel_result result = {0};
    hfy_kernel_census census = {0};
    hfy_kernel_geometry force = {0};
    hfy_kernel_spectrum spectrum = {0};
    double stored = 0, recovered[4] = {0, 0, 0, 0};
    hfy_rng cues = hfy_rng_seed(2), starts = hfy_rng_seed(3);

    memset(&memory, 0, sizeof memory);
    memory.dim = dim, memory.count = count, memory.patterns = patterns;
    memory.gamma = gammas[g];
    status = hfy_kernel_train(&memory, NULL, alpha, &result, &work);
    memory.alpha = alpha;
    if (!status) status = hfy_kernel_stored(&memory, &stored, NULL, &work);
    if (!status) status = hfy_kernel_basins(&memory, count, flips, 4, &cues, recovered, NULL, &work);
    if (!status) status = hfy_kernel_explore(&memory, 500, &starts, &census, &work);
    for (i = 0; i < dim; i++) point[i] = patterns[i / 64] >> (i % 64) & 1 ? 1 : -1;
    if (!status) status = hfy_kernel_forces(&memory, point, 1, NULL, NULL, &force, &work);
    if (!status) status = hfy_kernel_spectra(&memory, NULL, &spectrum, NULL, NULL, NULL, NULL, &work);
    if (!status)
      printf("%8.3f  %5lu  %6.2f  %15.2f %6.2f %6.2f %6.2f   %6.2f  %9.1f %9.2g %6.0f  %6.2f %5.1f\n", gammas[g],
             (unsigned long)result.iterations, stored, recovered[0], recovered[1], recovered[2], recovered[3],
             census.fixed, force.direct, force.indirect, force.sharpness, force.interference,
             spectrum.alpha_rank);
  }
  if (status) fprintf(stderr, "landscape: %s: %s\n", hfy_status_text(status), work.message);
  free(patterns);
  free(alpha);
  free(point);
  hfy_work_free(&work);
  return status != HFY_OK;
}
