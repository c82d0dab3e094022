/* client.c: prints the version and bytes of hfy_real that it was compiled with and those of the library, and a recall. */
#include "hfy.h"
#include <stdio.h>

int main(void) {
  const hfy_real stored[] = {1, 1, -1, -1, 1, -1, 1, -1}, broken[] = {1, 1, 0, 0};
  hfy_real whole[4];
  hfy_net net = {0};
  net.dim = 4, net.count = 2, net.keys = stored, net.beta = 1, net.sep.kind = HFY_SEP_SPARSEMAX;
  if (hfy_retrieve(&net, broken, 1, whole, NULL, NULL)) return 1;
  printf("%s %s %d %d:", HFY_VERSION, hfy_version(), (int)sizeof(hfy_real), (int)hfy_layout("hfy_real"));
  printf(" %g %g %g %g\n", (double)whole[0], (double)whole[1], (double)whole[2], (double)whole[3]);
  return 0;
}
