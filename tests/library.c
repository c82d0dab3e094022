/* library.c: what most tests link: the bodies of hfy.h, once for each precision. A test may take the place of malloc and
   free (test_work.c). */
#include <stdlib.h>
void *(*library_malloc)(size_t bytes);
void (*library_free)(void *pointer);
#define HFY_MALLOC(bytes) (library_malloc ? library_malloc(bytes) : malloc(bytes))
#define HFY_FREE(pointer) (library_free ? library_free(pointer) : free(pointer))
#define HFY_IMPLEMENTATION
#include "../hfy.h"
