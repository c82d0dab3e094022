/* HFY_PLAIN, where hfy_retrieve is its definition and no net.fast is compiled: all that test_shard.c asks of retrievals,
   partial and whole. */
#define HFY_PLAIN
#include "test_shard.c"
