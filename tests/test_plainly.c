/* HFY_PLAIN, where hfy_retrieve is its definition and no net.fast is compiled: all that test_shard.c asks of retrievals,
   partial and whole. (What the kernels make of either is tested where both are compiled: test_plain.c.) */
#define CHECK_FILE "test_plainly.c"
#define HFY_PLAIN
#ifndef HFY_NO_SIMD
#define HFY_NO_SIMD
#endif
#ifndef HFY_STATIC
#define HFY_STATIC
#endif
#define HFY_ONLY_SHARD
#define HFY_ONLY_INDEX
#define HFY_ONLY_STRUCTURE
#include "test_shard.c"
