/* sep: every separation with any numbers as scores, bounds and parameters (drawn as test_sep_any.c does): predictions
   lie in the domain, values, conjugates and losses are what their comments promise, a failed call writes nothing. Rows
   answer alike alone and beside others. */
#define HFY_ONLY_SEP
#define HFY_ONLY_STRUCTURE
#include "fuzz.h"

static CHECK_UNUSED int test_main(int argc, char **argv);
#define main test_main
#include "../test_sep_any.c"
#undef main

/* A number that a call writes; what it promises is held against `ok`. */
#define NUMBER(name, arguments, ok)                                                                                    \
  do {                                                                                                                 \
    double *const v = (double *)fuzz_output(sizeof *v);                                                                \
    if (FUZZ_KEPT(name, arguments)) judge((ok), &c, y, #name);                                                         \
  } while (0)

static void fuzz(void) {
  static any_case c;
  hfy_real *theta, *target, *y, *rows;
  hfy_status status;
  size_t bytes;
  draw(&c);
  bytes = c.n * sizeof *y;
  theta = (hfy_real *)memcpy(fuzz_room(bytes), c.theta, bytes),
  target = (hfy_real *)memcpy(fuzz_room(bytes), c.target, bytes);
  y = (hfy_real *)fuzz_output(bytes);
  judge(hfy_sep_margin(c.sep) >= 0, &c, y, "hfy_sep_margin");
  if (FUZZ_KEPT(hfy_sep_apply, (c.sep, theta, 1, c.n, y, &fuzz_work))) {
    judge(feasible(&c, y), &c, y, "hfy_sep_apply");
    gradients(&c, y, &fuzz_work);
    NUMBER(hfy_sep_value, (c.sep, y, 1, c.n, v, &fuzz_work), is_finite(*v) || masks_matter(&c));
    NUMBER(hfy_sep_loss, (c.sep, theta, y, 1, c.n, v, &fuzz_work), *v <= 0 && *v >= 0);
    if (!c.sep->bound_stride) { /* two rows: the second is the first's, whatever the first is */
      rows = (hfy_real *)fuzz_room(2 * bytes);
      memcpy(rows, target, bytes), memcpy(rows + c.n, theta, bytes);
      status = hfy_sep_apply(c.sep, rows, 2, c.n, rows, &fuzz_work);
      judge(same_bits(rows + c.n, y, bytes) && (!status || same_bits(rows, target, bytes)), &c, y, "two rows");
    }
  }
  NUMBER(hfy_sep_conjugate, (c.sep, theta, 1, c.n, v, &fuzz_work), is_finite(*v));
  NUMBER(hfy_sep_value, (c.sep, target, 1, c.n, v, &fuzz_work), *v >= 0 || *v < 0);
  NUMBER(hfy_sep_loss, (c.sep, theta, target, 1, c.n, v, &fuzz_work), *v >= 0);
}
