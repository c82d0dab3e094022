/* The file that a user writes: the bodies, once. */
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
