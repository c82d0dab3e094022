// The bodies compiled as C++, called from C++; code is made of what is called.
#define HFY_STATIC
#define HFY_IMPLEMENTATION
#include "../../hfy.h"

int main() {
  hfy_net net = {};
  hfy_work work = {};
  const hfy_real stored[] = {1, 1, 1, 1, 1, -1, 1, -1}, broken[] = {1, 1, 1, 0};
  hfy_real whole[4];
  net.dim = 4;
  net.count = 2;
  net.keys = stored;
  net.sep.kind = HFY_SEP_SPARSEMAX;
  net.beta = 1;
  hfy_status status = hfy_retrieve(&net, broken, 1, whole, nullptr, &work);
  hfy_work_free(&work);
  return status != HFY_OK || whole[3] < 1;
}
