/* 6-kernel.c: 150 random patterns in 60 neurons: what training and the width of the kernel do to the basins. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>

enum { D = 60, P = 150, FLIPS = 9, MEMORIES = 6 };
static uint64_t patterns[P];
static double alpha[P * D];
static hfy_work work;

static void must(hfy_status status) {
  if (status) exit(fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message));
}

int main(void) {
  static const struct {
    const char *name;
    hfy_kernel_trainer trainer;
    double gamma;
    int no_self;
  } way[MEMORIES] = {{"untrained 0.17", HFY_KERNEL_RAW, 0, 0}, {"trained 0.17", HFY_KERNEL_EXACT, 0, 0},
                     {"untrained 0.02", HFY_KERNEL_RAW, 0.02, 0}, {"trained 0.02", HFY_KERNEL_EXACT, 0.02, 0},
                     {"trained 0.001", HFY_KERNEL_EXACT, 0.001, 0}, {"no self 0.02", HFY_KERNEL_EXACT, 0.02, 1}};
  size_t flips[FLIPS];
  hfy_rng rng = hfy_rng_seed(1);
  must(hfy_kernel_random(P, D, &rng, patterns, &work));
  for (size_t f = 0; f < FLIPS; f++) flips[f] = 3 * f;
  printf("# flipped bits ");
  for (size_t f = 0; f < FLIPS; f++) printf("%6d", (int)flips[f]);
  puts("   random fixed");
  for (int k = 0; k < MEMORIES; k++) {
    hfy_kernel memory = {.dim = D, .count = P, .patterns = patterns, .gamma = way[k].gamma, .no_self = way[k].no_self};
    const hfy_kernel_training training = {.trainer = way[k].trainer};
    const hfy_rng cues = hfy_rng_seed(2);
    hfy_rng starts = hfy_rng_seed(3);
    double recovered[FLIPS];
    hfy_kernel_census census;
    must(hfy_kernel_train(&memory, &training, alpha, NULL, &work));
    memory.alpha = alpha;
    must(hfy_kernel_basins(&memory, P, flips, FLIPS, &cues, recovered, NULL, &work));
    must(hfy_kernel_explore(&memory, 300, &starts, &census, &work));
    printf("%-15s", way[k].name);
    for (int f = 0; f < FLIPS; f++) printf("%6.2f", recovered[f]);
    printf("%15.2f\n", census.fixed);
  }
  hfy_work_free(&work);
  return 0;
}
