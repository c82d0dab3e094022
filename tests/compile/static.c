/* HFY_STATIC: the whole library inside one file, and no warning about what it does not use. */
#define HFY_STATIC
#define HFY_IMPLEMENTATION
#include "../../hfy.h"

int main(void) {
  hfy_rng rng = hfy_rng_seed(0);
  return hfy_rng_u64(&rng) != UINT64_C(0xE220A8397B1DCDAF);
}
