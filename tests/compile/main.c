/* One program, several files that use hfy.h. */
#include "recall.h"

int main(void) {
  int failed = 0;
#ifdef HAVE_FLOAT
  failed |= recall_float();
#endif
#ifdef HAVE_DOUBLE
  failed |= recall_double();
#endif
#ifdef HAVE_DECLARED
  failed |= recall_declared();
#endif
  return failed;
}
