/* layers: Hopfield layers, dense layers, blocks and the optimiser with any options, small. Sound numbers in: finite
   numbers out, and a gradient that tells the slope of the answer. Wild ones: nothing but the rule. */
#define HFY_ONLY_TRAIN
#include "fuzz.h"

enum { MOST = 1500, ENTRIES = 64 };
static int sound, in_block; /* numbers; rows of a block's masks are another's */
static hfy_param table[ENTRIES];

/* What a side of a net of widths takes: 0 mostly. */
static size_t width_or(size_t odds) { return fuzz_below(odds) ? 0 : 1 + fuzz_below(5); }

static hfy_layer some_layer(void) {
  hfy_layer l;
  memset(&l, 0, sizeof l);
  l.width = fuzz_below(24) ? 1 + fuzz_below(6) : 0, l.heads = fuzz_below(3), l.head_width = width_or(2);
  l.stored_width = width_or(4), l.projected_width = width_or(4), l.value_width = width_or(4), l.out_width = width_or(4);
  l.queries = fuzz_below(4) ? 0 : 1 + fuzz_below(3), l.memories = fuzz_below(6) ? 0 : 1 + fuzz_below(5);
  l.flags = fuzz_below(2) ? 0 : (unsigned)fuzz_bits(2) & 1023u;
  if (l.flags & HFY_LAYER_GAUSSIAN) l.positions = fuzz_below(8);
  l.norm_state = (hfy_layer_norm)fuzz_below(3), l.norm_stored = (hfy_layer_norm)fuzz_below(3);
  l.norm_projected = (hfy_layer_norm)fuzz_below(3), l.norm_space = (int)fuzz_below(3);
  l.static_state = !fuzz_below(6), l.static_stored = !fuzz_below(6), l.static_projected = !fuzz_below(6);
  l.norm_eps = fuzz_below(6) ? 0 : fuzz_parameter(), l.beta = fuzz_below(2) ? 0 : fuzz_parameter();
  if (fuzz_below(2)) l.sep = fuzz_sep(3, !sound);
  if (!fuzz_below(4)) l.post.kind = (hfy_post_kind)fuzz_below(HFY_POST_RECTIFIED_POWER + 1);
  l.extra_steps = fuzz_below(4) ? 0 : 1 + fuzz_below(3), l.tol = fuzz_below(8) ? 0 : fuzz_parameter();
  l.implicit = !fuzz_below(8), l.dropout = fuzz_below(6) ? 0 : fuzz_parameter() / 3;
  if (l.implicit) l.extra_steps = fuzz_below(30);
  return l;
}

typedef struct sizes {
  size_t rows, stored, cells;
} sizes;

/* Bags for a layer with its defaults; with it the rows and the cells of a mask. */
static hfy_layer_input some_input(const hfy_layer *l, size_t bags, size_t *state, size_t *stored, sizes *s) {
  hfy_layer_input in;
  size_t b;
  memset(&in, 0, sizeof in), memset(s, 0, sizeof *s);
  in.bags = bags, in.state_each = fuzz_below(4), in.stored_each = fuzz_below(12) ? 1 + fuzz_below(4) : 0;
  for (b = 0; b < 3; b++) state[b] = fuzz_below(4), stored[b] = fuzz_below(12) ? 1 + fuzz_below(4) : 0;
  if (fuzz_below(3) == 0) in.state_rows = state, in.stored_rows = stored;
  in.causal = !fuzz_below(6), in.training = fuzz_below(2) > 0, in.seed = fuzz_bits(1);
  in.state = fuzz_below(2) ? fuzz_reals(12 * l->width, sound) : NULL;
  for (b = 0; b < in.bags; b++) {
    const size_t keys = l->memories ? l->memories : in.stored_rows ? stored[b] : in.stored_each;
    const size_t rows = l->queries ? l->queries : !in.state ? keys : in.state_rows ? state[b] : in.state_each;
    s->rows += rows, s->stored += keys, s->cells += rows * keys;
  }
  if (!l->memories) in.stored = fuzz_reals(s->stored * l->stored_width, sound);
  if (!fuzz_below(4)) in.projected = fuzz_reals(s->stored * l->projected_width, sound);
  if (!fuzz_below(4)) {
    const size_t cells = in_block ? 200 : s->cells * (l->heads ? l->heads : 1);
    hfy_real *mask = fuzz_reals(cells, sound);
    for (b = 0; b < cells; b++)
      if (!fuzz_below(4)) mask[b] = (hfy_real)-HUGE_VAL;
    in.mask = mask, in.mask_heads = fuzz_below(l->heads + 1);
  }
  if (!fuzz_below(4)) {
    unsigned char *padding = (unsigned char *)fuzz_room(s->stored);
    for (b = 0; b < s->stored; b++) padding[b] = !fuzz_below(4);
    in.padding = padding;
  }
  return in;
}

static hfy_real *zeros(size_t n) {
  return (hfy_real *)memset(fuzz_room(n * sizeof(hfy_real)), 0, n * sizeof(hfy_real));
}

/* Parameters of the table; sound: their start values. */
static hfy_real *params_of(size_t entries, size_t end) {
  hfy_real *p = fuzz_reals(end, sound);
  hfy_rng rng = hfy_rng_seed(7);
  if (sound || fuzz_below(2)) CHECK(hfy_param_init(table, entries, &rng, p, &fuzz_work) == HFY_OK);
  return p;
}

static void optimise(size_t entries, size_t end, hfy_real *params, const hfy_real *grads) {
  hfy_optimiser how;
  hfy_real *moments = zeros(2 * end), *before = (hfy_real *)fuzz_room(end * sizeof *before);
  double *norm = (double *)fuzz_output(sizeof *norm);
  hfy_status status;
  memset(&how, 0, sizeof how), memcpy(before, params, end * sizeof *before);
  how.sgd = !fuzz_below(3), how.rate = fuzz_parameter();
  how.beta1 = fuzz_uniform() * 1.1, how.beta2 = fuzz_uniform() * 1.1;
  how.decay = fuzz_parameter(), how.clip = fuzz_parameter(), how.eps = fuzz_parameter(), how.steps = fuzz_bits(1);
  status = hfy_optimiser_step(&how, table, entries, params, grads, moments, norm, &fuzz_work);
  if (fuzz_kept("hfy_optimiser_step", status))
    CHECK(*norm >= 0);
  else
    CHECK(same_bits(params, before, end * sizeof *before));
}

static void layer(void) {
  const hfy_layer l = some_layer();
  size_t state[3], stored[3], entries, end, tape_reals, i, outs;
  hfy_layer full;
  sizes s;
  hfy_layer_input in;
  hfy_layer_grad grad;
  hfy_layer_report report;
  hfy_real *params, *out, *tape, *dout;
  hfy_status status;
  if (!fuzz_kept("hfy_layer_check", hfy_layer_check(&l, &full, &fuzz_work))) return;
  if (!fuzz_kept("hfy_layer_params", hfy_layer_params(&l, "l.", 0, table, ENTRIES, &entries, &end, &fuzz_work))) return;
  if (end > MOST) return;
  in = some_input(&full, fuzz_below(4), state, stored, &s);
  if (!fuzz_kept("hfy_layer_tape", hfy_layer_tape(&l, &in, &tape_reals, &fuzz_work)) || tape_reals > 40 * MOST) return;
  params = params_of(entries, end);
  outs = s.rows * full.out_width;
  in.tape_reals = tape_reals, tape = fuzz_below(3) ? (hfy_real *)fuzz_room(tape_reals * sizeof *tape) : NULL;
  memset(&report, 0, sizeof report);
  report.status = (hfy_status *)memset(fuzz_room(s.rows * sizeof *report.status), 0, s.rows * sizeof *report.status);
  out = (hfy_real *)fuzz_output(outs * sizeof *out);
  status = hfy_layer_forward(&l, params, &in, out, tape, &report, &fuzz_work);
  for (i = 0; i < s.rows; i++) /* a row without an answer is 0, all others are answered */
    if (report.status[i]) fuzz_outputs = 0;
  fuzz_kept("hfy_layer_forward", status);
  if (!fuzz_outputs && status) {
    int any = 0;
    for (i = 0; i < s.rows; i++) any |= report.status[i] != HFY_OK;
    if (!any) return;
  }
  CHECK(!sound || fuzz_finite_reals(out, outs));
  if (!tape) return;
  memset(&grad, 0, sizeof grad);
  dout = fuzz_reals(outs, sound), grad.params = zeros(end);
  if (in.stored) grad.stored = zeros(s.stored * full.stored_width);
  if (in.state) grad.state = zeros(12 * l.width);
  if (in.projected) grad.projected = zeros(s.stored * full.projected_width);
  status = hfy_layer_backward(&l, params, &in, tape, dout, &grad, &fuzz_work);
  fuzz_kept("hfy_layer_backward", status);
  for (i = 0; i < outs && fabs((double)out[i]) < 1e12;) i++; /* powers without end: sums beyond hfy_real, */
  if (full.beta > 1e12) i = 0;                               /* as said; the optimiser refuses them */
  CHECK(!sound || i < outs || fuzz_finite_reals(grad.params, end));
  if (!status) optimise(entries, end, params, grad.params);
}

static void dense(void) {
  hfy_dense d;
  size_t entries, end, rows = fuzz_below(4);
  hfy_real *params, *x, *y, *dy, *to[2];
  memset(&d, 0, sizeof d);
  d.in = fuzz_below(5), d.out = fuzz_below(5), d.kind = (hfy_dense_kind)fuzz_below(HFY_DENSE_TANH + 2),
  d.no_bias = (int)fuzz_below(2);
  if (!fuzz_kept("hfy_dense_params", hfy_dense_params(&d, NULL, 0, table, ENTRIES, &entries, &end, &fuzz_work))) return;
  params = params_of(entries, end), x = fuzz_reals(rows * d.in, sound), dy = fuzz_reals(rows * d.out, sound);
  y = (hfy_real *)fuzz_output(rows * d.out * sizeof *y);
  if (!fuzz_kept("hfy_dense_forward", hfy_dense_forward(&d, params, x, rows, y, &fuzz_work))) return;
  to[0] = zeros(rows * d.in), to[1] = zeros(end);
  if (!fuzz_kept("hfy_dense_backward", hfy_dense_backward(&d, params, x, y, dy, rows, to, &fuzz_work))) return;
  CHECK(!sound ||
        (fuzz_finite_reals(y, rows * d.out) && fuzz_finite_reals(to[0], rows * d.in) && fuzz_finite_reals(to[1], end)));
  optimise(entries, end, params, to[1]);
}

static void block(void) {
  hfy_block b;
  size_t rows[2][3], stored[2][3], entries, end, tape_reals, i, outs, bytes;
  sizes s, m;
  hfy_layer_input in, memory;
  hfy_layer_grad grad;
  hfy_layer_report reports[2];
  hfy_real *params, *out, *tape, *dout;
  hfy_layer self, cross;
  hfy_status status;
  int decoder = (int)fuzz_below(2), any = 0;
  memset(&b, 0, sizeof b), memset(reports, 0, sizeof reports), memset(&grad, 0, sizeof grad);
  b.self = some_layer();
  if (fuzz_below(8)) b.self.queries = b.self.memories = 0;
  if (decoder)
    b.cross = some_layer(), b.cross.width = fuzz_below(8) ? b.self.width : b.cross.width, b.cross.queries = 0;
  decoder = b.cross.width > 0;
  b.inner = 1 + fuzz_below(6), b.kind = (hfy_dense_kind)fuzz_below(HFY_DENSE_TANH + 1),
  b.dropout = fuzz_below(3) ? 0 : fuzz_parameter() / 3;
  if (!fuzz_kept("hfy_block_params", hfy_block_params(&b, NULL, 0, table, ENTRIES, &entries, &end, &fuzz_work)))
    return;
  if (end > MOST || hfy_layer_check(&b.self, &self, &fuzz_work) ||
      (decoder && !CHECK(!hfy_layer_check(&b.cross, &cross, &fuzz_work))))
    return;
  in = some_input(&self, fuzz_below(4), rows[0], stored[0], &s), in.state = NULL;
  memory = in;
  if (decoder) memory = some_input(&cross, in.bags, rows[1], stored[1], &m), memory.state = NULL;
  if (!fuzz_kept("hfy_block_tape", hfy_block_tape(&b, &in, decoder ? &memory : NULL, &tape_reals, &fuzz_work))) return;
  if (tape_reals > 40 * MOST) return;
  params = params_of(entries, end), in.tape_reals = tape_reals, tape = (hfy_real *)fuzz_room(tape_reals * sizeof *tape);
  outs = s.stored * b.self.width;
  out = (hfy_real *)fuzz_output(outs * sizeof *out), bytes = s.stored * sizeof(hfy_status);
  for (i = 0; i < 2; i++)
    reports[i].status = (hfy_status *)fuzz_room(bytes), memset(reports[i].status, 0, bytes);
  status = hfy_block_forward(&b, params, &in, decoder ? &memory : NULL, out, tape, reports, &fuzz_work);
  for (i = 0; i < s.stored; i++) any |= reports[0].status[i] || reports[1].status[i];
  any |= status == HFY_ERR_NONFINITE; /* a row between the parts */
  if (any) fuzz_outputs = 0;
  fuzz_kept("hfy_block_forward", status);
  if (status && !any) return;
  CHECK(!sound || fuzz_finite_reals(out, outs));
  grad.params = zeros(end), grad.stored = zeros(s.stored * b.self.width);
  dout = fuzz_reals(outs, sound);
  status = hfy_block_backward(&b, params, &in, decoder ? &memory : NULL, tape, dout, &grad, &fuzz_work);
  fuzz_kept("hfy_block_backward", status);
  CHECK(!sound || self.beta > 1e12 || (decoder && cross.beta > 1e12) || fuzz_finite_reals(grad.params, end));
  if (!status) optimise(entries, end, params, grad.params);
}

static void fuzz(void) {
  const size_t way = fuzz_below(8);
  sound = fuzz_below(2) > 0, in_block = way > 5;
  if (way < 5)
    layer();
  else if (way < 6)
    dense();
  else
    block();
}
