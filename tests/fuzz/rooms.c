/* linalg, theory, net, recall, binary, kernel and rate: the calls of test_wild.c, their choices from the input. */
#define HFY_ISAS HFY_ISAS_SSE2 /* to compile in half the time; kernels are what retrieve and index are about */
#include "fuzz.h"

static CHECK_UNUSED int test_main(int argc, char **argv);
#define main test_main
#include "../test_wild.c"
#undef main

static void fuzz(void) {
  static room *const rooms[] = {wild_linalg, wild_theory, wild_net, wild_recall, wild_binary, wild_kernel, wild_rate};
  static double *const doubles[] = {a, b, c};
  static hfy_real *const rows[] = {x, y, z};
  room *const one = rooms[fuzz_below(COUNT(rooms))];
  size_t i, edits;
  rng = hfy_rng_seed(fuzz_bits(1));
  mood = (int)pick(8);
  flat = 0;
  flat = any();
  fuzz_aside = 1;
  draw(a, 0), draw(b, 0), draw_reals(x, 0), draw_reals(y, 0), draw_reals(z, 0);
  fuzz_aside = 0;
  if (pick(2)) memcpy(x, z, sizeof x / 2);
  for (edits = pick(6); edits; edits--) {
    i = pick(6);
    if (i < 3) doubles[i][pick(64)] = fuzz_number(pick(FUZZ_STYLES));
    if (i >= 3) rows[i - 3][pick(64)] = fuzz_real(pick(FUZZ_STYLES));
  }
  memset(&before, 0x44, sizeof before); /* no NaN */
  out = before;
  one();
  hfy_work_free(&work);
}
