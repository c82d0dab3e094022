/* HFY_MALLOC and HFY_FREE: every block comes from here. */
#include <stddef.h>
void *my_malloc(size_t bytes);
void my_free(void *pointer);
#define HFY_MALLOC(bytes) my_malloc(bytes)
#define HFY_FREE(pointer) my_free(pointer)
#define HFY_IMPLEMENTATION
#include "../../hfy.h"

static double block[4096]; /* more than a small net needs, and only one at a time */
static int taken, asked;

void *my_malloc(size_t bytes) {
  asked++;
  if (taken || bytes > sizeof block) return NULL;
  taken = 1;
  return block;
}

void my_free(void *pointer) {
  if (pointer) taken = 0;
}

int main(void) {
  hfy_real theta[3] = {1, 2, 3}, y[3];
  hfy_sep sep = {0, HFY_SEP_ENTMAX, 0, 0, 0, 0, 0, NULL, NULL, NULL, 0, NULL, NULL};
  return hfy_sep_apply(&sep, theta, 1, 3, y, NULL) != HFY_OK || !asked || taken;
}
