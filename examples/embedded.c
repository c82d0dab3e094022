/* embedded.c: no heap. A sensor's trace is recognised with a fixed buffer and nothing else.

   HFY_ONLY_NET leaves out every room but those of a retrieval, HFY_NO_STDIO all that opens files, and the allocator
   below counts how often it is asked: never, because a work with a buffer of one's own does not allocate. A call that
   needs more returns HFY_ERR_NOMEM before it writes anything, and `peak` tells how many bytes would do. (printf is this
   program's, to show what happens; the library has none.) */
static unsigned heap_calls;
#define HFY_ONLY_NET
#define HFY_NO_STDIO
#define HFY_MALLOC(bytes) ((void)(bytes), heap_calls++, (void *)0)
#define HFY_FREE(pointer) ((void)(pointer))
#define HFY_STATIC
#define HFY_IMPLEMENTATION
#include "../hfy.h"

#include <stdio.h>

enum { SHAPES = 4, SAMPLES = 32 };
static const char *const shape_names[SHAPES] = {"sine", "square", "sawtooth", "ripple"};

static hfy_real shapes[SHAPES * SAMPLES]; /* on a device: a table in flash */
static hfy_real trace[SAMPLES];
static unsigned char scratch[8192];

static double shape(int kind, double phase) /* phase 0 .. 1 */
{
  if (kind == 0) return sin(6.283185307179586 * phase);
  if (kind == 1) return phase < 0.5 ? 1 : -1;
  if (kind == 2) return 2 * phase - 1;
  return sin(4 * 6.283185307179586 * phase);
}

int main(void) {
  hfy_net net = {0};
  hfy_report report = {0};
  hfy_work work = {0};
  hfy_rng rng = hfy_rng_seed(11);
  hfy_status status;
  size_t best, needed;
  int i, kind, right = 0;

  for (i = 0; i < SHAPES * SAMPLES; i++) shapes[i] = (hfy_real)shape(i / SAMPLES, (i % SAMPLES + 0.5) / SAMPLES);
  net.dim = SAMPLES, net.count = SHAPES, net.keys = shapes;
  net.sim = HFY_SIM_EUCLIDEAN, net.sep.kind = HFY_SEP_SPARSEMAX;
  net.beta = 4, net.max_steps = 4;
  report.best = &best;

  /* a buffer that is too small: nothing is written, and we learn the size that would do */
  work.buffer = scratch, work.capacity = 16;
  status = hfy_retrieve(&net, shapes, 1, trace, &report, &work);
  needed = work.peak;
  printf("with 16 bytes: %s\n  %s\n", hfy_status_text(status), work.message);
  if (status != HFY_ERR_NOMEM || needed > sizeof scratch) return 1;

  /* exactly that much */
  work.capacity = needed;
  for (kind = 0; kind < SHAPES; kind++) {
    double error = 0;
    const hfy_real *original = shapes + kind * SAMPLES;
    for (i = 0; i < SAMPLES; i++) trace[i] = (hfy_real)((double)original[i] + 0.3 * hfy_rng_normal(&rng));
    status = hfy_retrieve(&net, trace, 1, trace, &report, &work); /* in place */
    if (status) {
      printf("%s: %s\n", hfy_status_text(status), work.message);
      return 1;
    }
    for (i = 0; i < SAMPLES; i++) error += fabs((double)trace[i] - (double)original[i]);
    right += best == (size_t)kind && !(error > 0);
    printf("a noisy %-8s  is recognised as %-8s  and cleaned to the bit: %s\n", shape_names[kind],
           shape_names[best], error > 0 ? "no" : "yes");
  }
  printf("right: %d of %d; heap calls: %u; scratch needed: %lu bytes\n", right, SHAPES, heap_calls,
         (unsigned long)needed);
  return right != SHAPES || heap_calls != 0;
}
