/* Declarations first, then the bodies, in one file; NAME is the function it defines. Compiled for each precision. */
#include "../../hfy.h"

#include "recall.h"

#include <string.h>

int NAME(void) {
  static const hfy_real stored[12] = {1, 1, 1, 1, 1, -1, 1, -1, 1, 1, -1, -1}, broken[4] = {1, 1, 1, 0};
  hfy_real whole[4];
  hfy_net net;
  memset(&net, 0, sizeof net);
  net.dim = 4;
  net.count = 3;
  net.keys = stored;
  net.beta = 1;
  net.sep.kind = HFY_SEP_SPARSEMAX;
  if (hfy_retrieve(&net, broken, 1, whole, NULL, NULL)) return 1;
  return memcmp(whole, stored, sizeof whole) != 0;
}

#ifdef WITH_BODIES
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include "../../hfy.h" /* again: nothing twice */
#endif
