/* Hopfield layers: outputs and gradients of the public ones, every option against central differences, bags, errors. */
#define HFY_IMPLEMENTATION
#define HFY_STATIC
#define HFY_ONLY_LAYER
#include "../hfy.h"
#include "check.h"
#include "layers.h"

enum { ENTRIES = 64, REALS = 4096 };

/* A layer with everything it needs to run. */
typedef struct rig {
  hfy_layer layer;
  hfy_layer_input in;
  hfy_param table[ENTRIES];
  size_t entries, params, tape_reals, outs;
  hfy_real stored[REALS], state[REALS], projected[REALS], mask[REALS];
  size_t stored_reals, state_reals, projected_reals, mask_reals;
  hfy_real param[REALS], d_param[REALS], d_stored[REALS], d_state[REALS], d_projected[REALS], d_mask[REALS];
  hfy_real out[REALS], dout[REALS], tape[16 * REALS];
  hfy_layer_grad grad;
  hfy_work work;
} rig;

/* Finds sizes; everything else is set. */
static void rig_sizes(rig *r) {
  const hfy_layer *l = &r->layer;
  hfy_layer full;
  size_t b, rows = 0, stored = 0;
  CHECK(hfy_layer_check(l, &full, &r->work) == HFY_OK);
  for (b = 0; b < r->in.bags; b++) {
    const size_t many = l->memories ? l->memories : r->in.stored_rows ? r->in.stored_rows[b] : r->in.stored_each;
    stored += many;
    rows += l->queries ? l->queries : !r->in.state ? many : r->in.state_rows ? r->in.state_rows[b] : r->in.state_each;
  }
  r->stored_reals = l->memories ? 0 : stored * full.stored_width;
  r->state_reals = l->queries ? 0 : rows * full.width;
  r->projected_reals = stored * full.projected_width;
  r->outs = rows * full.out_width;
  CHECK(hfy_layer_params(l, "", 0, r->table, ENTRIES, &r->entries, &r->params, &r->work) == HFY_OK);
  CHECK(r->params <= REALS && r->outs <= REALS);
  CHECK(hfy_layer_tape(l, &r->in, &r->tape_reals, &r->work) == HFY_OK);
  CHECK(r->tape_reals <= 16 * REALS);
  r->in.tape_reals = r->tape_reals;
}

static void draw_params(const hfy_param *table, size_t entries, hfy_rng *rng, hfy_real *params) {
  size_t i, j;
  for (i = 0; i < entries; i++) {
    const int norm = strstr(table[i].name, "norm") && strstr(table[i].name, "weight") != NULL;
    for (j = 0; j < table[i].count; j++)
      params[table[i].offset + j] =
        (hfy_real)(norm ? 1 + 0.1 * hfy_rng_normal(rng) : (table[i].rank == 1 ? 0.1 : 0.5) * hfy_rng_normal(rng));
  }
}

static void digest_is(const hfy_real *x, size_t n, const layer_digest *want, double tol) {
  double sum = 0, squares = 0;
  size_t i;
  for (i = 0; i < n; i++) {
    sum += (double)x[i];
    squares += (double)x[i] * (double)x[i];
  }
  CHECK_NEAR(x[0], want->first, tol);
  CHECK_NEAR(sum, want->sum, 30 * tol);
  CHECK_NEAR(squares, want->squares, 10 * tol);
}

static rig rigs; /* too large for some stacks */

static void golden_layer(const layer_golden *g, hfy_layer *l, hfy_layer_input *in, hfy_real *mask,
                         unsigned char *padding) {
  static const size_t seen[3][2] = {{1, 1}, {3, 4}, {0, 0}};
  size_t i;
  l->width = 4;
  l->heads = 2;
  in->bags = 2;
  in->stored_each = 5;
  switch (g->seed) {
  case 102: l->extra_steps = 3; l->beta = 0.7; break;
  case 103: l->head_width = 3; l->flags = HFY_LAYER_NO_BIAS; break;
  case 104:
    l->stored_width = 6;
    l->projected_width = 7;
    l->head_width = 3;
    l->value_width = 2;
    l->out_width = 5;
    in->state_each = 3;
    break;
  case 105:
    in->state_each = 3;
    l->extra_steps = 1;
    for (i = 0; i < 30; i++) mask[i] = 0;
    for (i = 0; i < 2; i++) {
      mask[i * 15 + 0 * 5 + seen[0][0]] = (hfy_real)-HUGE_VAL;
      mask[i * 15 + 1 * 5 + seen[1][0]] = (hfy_real)-HUGE_VAL;
      mask[i * 15 + 1 * 5 + seen[1][1]] = (hfy_real)-HUGE_VAL;
      mask[i * 15 + 2 * 5 + seen[2][0]] = (hfy_real)-HUGE_VAL;
    }
    padding[4] = padding[5 + 2] = 1;
    in->mask = mask;
    in->padding = padding;
    break;
  case 106: in->causal = 1; l->heads = 1; break;
  case 107: l->flags = HFY_LAYER_CONNECTED; l->extra_steps = 2; break;
  case 108: l->norm_space = 2; l->head_width = 3; l->extra_steps = 1; break;
  case 109: l->flags = HFY_LAYER_ZERO; break;
  case 110:
    l->flags = HFY_LAYER_NO_OUT;
    l->norm_state = l->norm_stored = l->norm_projected = HFY_LAYER_RAW;
    break;
  case 111: l->queries = 2; break;
  case 112: l->queries = 1; l->extra_steps = 2; break;
  case 113: l->memories = 6; in->state_each = 3; break;
  case 114: l->memories = 6; l->flags = HFY_LAYER_OWN_TARGETS; in->state_each = 3; break;
  }
}

TEST(goldens) {
  rig *r = &rigs;
  size_t g, i, j;
#ifdef HFY_DOUBLE
  const double tol = 1e-10;
#else
  const double tol = 2e-4;
#endif
  for (g = 0; g < COUNT(layer_goldens) && layer_goldens[g].seed < 115; g++) {
    const layer_golden *want = layer_goldens + g;
    hfy_rng rng = hfy_rng_seed(want->seed), cotangent = hfy_rng_seed(want->seed + 1000);
    unsigned char padding[10] = {0};
    memset(r, 0, sizeof *r);
    golden_layer(want, &r->layer, &r->in, r->mask, padding);
    if (r->in.state_each) r->in.state = r->state;
    if (want->seed == 104 || want->seed == 105) r->in.projected = r->projected;
    r->in.stored = r->layer.memories ? NULL : r->stored;
    rig_sizes(r);
    CHECK(r->outs == want->outs);
    draw_params(r->table, r->entries, &rng, r->param);
    normals(&rng, r->stored, r->stored_reals, 1);
    if (r->in.state) normals(&rng, r->state, r->state_reals, 1);
    if (r->in.projected) normals(&rng, r->projected, r->projected_reals, 1);
    normals(&cotangent, r->dout, r->outs, 1);
    if (!CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, NULL, &r->work) == HFY_OK))
      printf("    %s\n", r->work.message);
    for (i = 0; i < r->outs; i++) CHECK_NEAR(r->out[i], want->out[i], tol);
    r->grad.params = r->d_param;
    if (r->in.stored) r->grad.stored = r->d_stored;
    if (r->in.state) r->grad.state = r->d_state;
    if (r->in.projected) r->grad.projected = r->d_projected;
    CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work) == HFY_OK);
    for (i = 0; i < want->digests; i++) {
      const layer_digest *d = want->digest + i;
      hfy_real *inputs[3] = {r->d_stored, r->d_state, r->d_projected};
      size_t counts[3] = {r->stored_reals, r->state_reals, r->projected_reals};
      if (!r->in.stored) {
        inputs[0] = r->d_state;
        counts[0] = r->state_reals;
      }
      if (!strncmp(d->name, "input ", 6)) {
        digest_is(inputs[d->name[6] - '0'], counts[d->name[6] - '0'], d, tol);
        continue;
      }
      for (j = 0; j < r->entries && strcmp(r->table[j].name, d->name); j++) continue;
      CHECK(j < r->entries);
      if (j < r->entries) digest_is(r->d_param + r->table[j].offset, r->table[j].count, d, tol);
    }
    if (check_errors) printf("    in golden %u (%s): %s\n", (unsigned)want->seed, want->name, r->work.message);
    if (check_errors) break;
    hfy_work_free(&r->work);
  }
}

TEST(golden_blocks) {
  static hfy_real tape[REALS], d_memory[REALS];
  rig *r = &rigs;
  size_t g, i, j, reals;
#ifdef HFY_DOUBLE
  const double tol = 1e-10;
#else
  const double tol = 2e-4;
#endif
  for (g = 14; g < COUNT(layer_goldens); g++) {
    const layer_golden *want = layer_goldens + g;
    const int decoder = want->seed == 116;
    hfy_rng rng = hfy_rng_seed(want->seed), cotangent = hfy_rng_seed(want->seed + 1000);
    hfy_block block;
    hfy_layer_input memory;
    memset(r, 0, sizeof *r);
    memset(&block, 0, sizeof block);
    memset(&memory, 0, sizeof memory);
    memset(d_memory, 0, sizeof d_memory);
    block.self.width = 4;
    block.self.heads = block.cross.heads = 2;
    block.inner = 7;
    if (decoder) block.cross.width = 4;
    r->in.bags = memory.bags = 2;
    r->in.stored_each = decoder ? 3 : 5;
    memory.stored_each = 5;
    r->in.stored = r->stored;
    memory.stored = r->state;
    CHECK(hfy_block_params(&block, NULL, 0, r->table, ENTRIES, &r->entries, &r->params, &r->work) == HFY_OK);
    CHECK(r->entries + 1 + (size_t)decoder == want->digests);
    CHECK(hfy_block_tape(&block, &r->in, decoder ? &memory : NULL, &reals, &r->work) == HFY_OK);
    CHECK(reals <= REALS);
    r->in.tape_reals = reals;
    draw_params(r->table, r->entries, &rng, r->param);
    normals(&rng, r->stored, r->in.bags * r->in.stored_each * 4, 1);
    if (decoder) normals(&rng, r->state, 40, 1);
    normals(&cotangent, r->dout, want->outs, 1);
    CHECK(hfy_block_forward(&block, r->param, &r->in, decoder ? &memory : NULL, r->out, tape, NULL, &r->work) == HFY_OK);
    for (i = 0; i < want->outs; i++) CHECK_NEAR(r->out[i], want->out[i], tol);
    r->grad.params = r->d_param;
    r->grad.stored = r->d_stored;
    r->grad.projected = decoder ? d_memory : NULL;
    CHECK(hfy_block_backward(&block, r->param, &r->in, decoder ? &memory : NULL, tape, r->dout, &r->grad, &r->work) ==
          HFY_OK);
    for (i = 0; i < want->digests; i++) {
      const layer_digest *d = want->digest + i;
      if (!strncmp(d->name, "input ", 6)) {
        digest_is(d->name[6] == '0' ? r->d_stored : d_memory, d->name[6] == '0' ? want->outs : 40, d, tol);
        continue;
      }
      for (j = 0; j < r->entries && strcmp(r->table[j].name, d->name); j++) continue;
      CHECK(j < r->entries);
      if (j < r->entries) digest_is(r->d_param + r->table[j].offset, r->table[j].count, d, tol);
    }
    if (check_errors) printf("    in golden %u (%s): %s\n", (unsigned)want->seed, want->name, r->work.message);
    hfy_work_free(&r->work);
  }
}

/* --- differences --- */

static double weigh(rig *r) {
  double sum = 0;
  size_t i;
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, NULL, NULL, &r->work) == HFY_OK);
  for (i = 0; i < r->outs; i++) sum += (double)r->out[i] * (double)r->dout[i];
  return sum;
}

#ifdef HFY_DOUBLE
/* Along a random direction through x (n numbers): does the gradient say what differences say? Tried at two widths, for
   separations have kinks. */
static void differs(rig *r, hfy_real *x, const hfy_real *dx, size_t n, hfy_rng *rng, const char *what) {
  static hfy_real at[REALS], way[REALS];
  double slope = 0, found = 0, size = 1, step = 1e-4, error = HUGE_VAL;
  size_t i, t;
  if (!n) return;
  memcpy(at, x, n * sizeof *x);
  for (i = 0; i < n; i++) {
    way[i] = hfy_rng_normal(rng) / sqrt((double)n);
    slope += way[i] * dx[i];
    size += fabs(way[i] * dx[i]);
  }
  for (t = 0; t < 3 && error > 1e-6 * size; t++, step /= 16) {
    double up, down, up2, down2;
    for (i = 0; i < n; i++) x[i] = at[i] + step * way[i];
    up = weigh(r);
    for (i = 0; i < n; i++) x[i] = at[i] - step * way[i];
    down = weigh(r);
    for (i = 0; i < n; i++) x[i] = at[i] + 2 * step * way[i];
    up2 = weigh(r);
    for (i = 0; i < n; i++) x[i] = at[i] - 2 * step * way[i];
    down2 = weigh(r);
    found = (8 * (up - down) - (up2 - down2)) / (12 * step);
    error = fabs(found - slope);
  }
  memcpy(x, at, n * sizeof *x);
  if (!CHECK(error <= 1e-6 * size))
    printf("    %s: gradient %.10g, differences %.10g; flags %u, sep %d, norms %d%d%d, space %d, static %d%d%d, extra %u\n",
           what, slope, found, r->layer.flags, (int)r->layer.sep.kind, (int)r->layer.norm_state,
           (int)r->layer.norm_stored, (int)r->layer.norm_projected, r->layer.norm_space, r->layer.static_state,
           r->layer.static_stored, r->layer.static_projected, (unsigned)r->layer.extra_steps);
}

/* All gradients of what a rig holds. */
static void differences(rig *r, hfy_rng *rng) {
  const hfy_layer_input *in = &r->in;
  size_t i;
  hfy_status status;
  rig_sizes(r);
  if (check_errors) return;
  for (i = 0; i < r->params; i++) r->param[i] = 0;
  draw_params(r->table, r->entries, rng, r->param);
  for (i = 0; i < r->entries; i++) { /* where they make sense */
    hfy_real *x = r->param + r->table[i].offset;
    size_t j;
    for (j = 0; j < r->table[i].count; j++) {
      if (strstr(r->table[i].name, "alpha")) x[j] = 1.2 + hfy_rng_uniform(rng);
      if (strstr(r->table[i].name, "sigma")) x[j] = 0.5 + hfy_rng_uniform(rng);
    }
  }
  normals(rng, r->stored, r->stored_reals, 1);
  normals(rng, r->state, r->state_reals, 1);
  normals(rng, r->projected, r->projected_reals, 1);
  normals(rng, r->dout, r->outs, 1);
  memset(r->d_param, 0, sizeof r->d_param);
  memset(r->d_stored, 0, sizeof r->d_stored);
  memset(r->d_state, 0, sizeof r->d_state);
  memset(r->d_projected, 0, sizeof r->d_projected);
  memset(r->d_mask, 0, sizeof r->d_mask);
  r->grad.params = r->d_param;
  r->grad.stored = in->stored ? r->d_stored : NULL;
  r->grad.state = in->state ? r->d_state : NULL;
  r->grad.projected = in->projected ? r->d_projected : NULL;
  r->grad.mask = in->mask ? r->d_mask : NULL;
  status = hfy_layer_forward(&r->layer, r->param, in, r->out, r->tape, NULL, &r->work);
  if (status == HFY_ERR_NONFINITE && r->layer.sep.kind >= HFY_SEP_IDENTITY) return; /* powers of powers run away */
  if (!status) status = hfy_layer_backward(&r->layer, r->param, in, r->tape, r->dout, &r->grad, &r->work);
  if (!CHECK(status == HFY_OK)) printf("    %s\n", r->work.message);
  if (status) return;
  if (!(r->layer.flags & HFY_LAYER_FROZEN_TARGETS)) differs(r, r->param, r->d_param, r->params, rng, "params");
  for (i = 0; i < r->entries; i++)
    if (!r->table[i].frozen)
      differs(r, r->param + r->table[i].offset, r->d_param + r->table[i].offset, r->table[i].count, rng, r->table[i].name);
  if (in->stored) differs(r, r->stored, r->d_stored, r->stored_reals, rng, "stored");
  if (in->state) differs(r, r->state, r->d_state, r->state_reals, rng, "state");
  if (in->projected) differs(r, r->projected, r->d_projected, r->projected_reals, rng, "projected");
  if (in->mask) differs(r, r->mask, r->d_mask, r->mask_reals, rng, "mask");
}

static const size_t rows_of_bags[3] = {3, 1, 2}, stored_of_bags[3] = {4, 5, 3};
static unsigned char hidden[12] = {0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0};

/* A rig with three ragged bags. sides: 1 a state of its own, 2 values of their own. */
static void ragged(rig *r, int sides) {
  hfy_work keep = r->work;
  memset(r, 0, sizeof *r);
  r->work = keep;
  r->layer.width = 4;
  r->layer.heads = 2;
  r->in.bags = 3;
  r->in.stored = r->stored;
  r->in.stored_rows = stored_of_bags;
  if (sides & 1) {
    r->in.state = r->state;
    r->in.state_rows = rows_of_bags;
  }
  if (sides & 2) r->in.projected = r->projected;
}

static void masked(rig *r, hfy_rng *rng, size_t heads) {
  size_t b, i;
  r->in.mask = r->mask;
  r->in.mask_heads = heads;
  for (b = 0; b < 3; b++)
    r->mask_reals += (heads ? heads : 1) * (r->in.state ? rows_of_bags[b] : stored_of_bags[b]) * stored_of_bags[b];
  for (i = 0; i < r->mask_reals; i++) r->mask[i] = hfy_rng_normal(rng);
}

/* Every option, numbered, on a rig that is ragged; 0: none. */
enum { OPTIONS = 40 };
static void option(rig *r, int which, hfy_rng *rng) {
  static const hfy_sep_kind kinds[] = {HFY_SEP_SPARSEMAX, HFY_SEP_ENTMAX, HFY_SEP_NORMMAX, HFY_SEP_KSUBSETS,
                                       HFY_SEP_SEQUENCE_KSUBSETS, HFY_SEP_POWER, HFY_SEP_EXP, HFY_SEP_IDENTITY};
  hfy_layer *l = &r->layer;
  switch (which) {
  case 1: l->flags |= HFY_LAYER_NO_BIAS; break;
  case 2: l->flags |= HFY_LAYER_NO_OUT; break;
  case 3: l->flags |= HFY_LAYER_CONNECTED; break;
  case 4: l->flags |= HFY_LAYER_ZERO; break;
  case 5: l->flags |= HFY_LAYER_BIAS_PATTERN; break;
  case 6: l->flags |= HFY_LAYER_ZERO | HFY_LAYER_BIAS_PATTERN; break;
  case 7: l->flags |= HFY_LAYER_LEARN_BETA; break;
  case 8: l->flags |= HFY_LAYER_LEARN_ALPHA; l->sep.kind = HFY_SEP_ENTMAX; break;
  case 9: l->norm_space = 1; break;
  case 10: l->norm_space = 2; break;
  case 11: l->norm_state = HFY_LAYER_PLAIN; break;
  case 12: l->norm_stored = HFY_LAYER_RAW; break;
  case 13: l->norm_projected = HFY_LAYER_PLAIN; break;
  case 14: l->head_width = 3; break;
  case 15: l->value_width = 3; break;
  case 16: l->out_width = 5; l->flags &= ~(unsigned)HFY_LAYER_NO_OUT; break;
  case 17: l->extra_steps = 1; break;
  case 18: l->extra_steps = 3; break;
  case 19: l->beta = 1.3; break;
  case 20: r->in.causal = 1; break;
  case 21: r->in.padding = hidden; break;
  case 22: masked(r, rng, 0); break;
  case 23: masked(r, rng, 2); break;
  case 24: l->dropout = 0.4; r->in.training = 1; r->in.seed = 5; break;
  case 25: l->static_state = 1; l->head_width = 4; break;
  case 26: l->static_stored = 1; l->head_width = 4; break;
  case 27: l->static_projected = 1; l->value_width = 4; break;
  case 28: l->static_state = l->static_stored = l->static_projected = 1; l->head_width = l->value_width = 4; break;
  case 29: l->post.kind = HFY_POST_L2; l->post.eps = 0.1; l->extra_steps = 2; break;
  case 30: l->post.kind = HFY_POST_TANH; l->extra_steps = 1; break;
  case 31: r->in.padding = hidden; r->in.causal = 1; break;
  default:
    if (which > 31) {
      l->sep.kind = kinds[which - 32];
      if (l->sep.kind == HFY_SEP_SEQUENCE_KSUBSETS) l->sep.k = 2;
      if (l->sep.kind == HFY_SEP_KSUBSETS) l->sep.k = 1.5;
    }
  }
}

TEST(each_option) {
  hfy_rng rng = hfy_rng_seed(7);
  int which, sides;
  for (which = 0; which < OPTIONS && !check_errors; which++)
    for (sides = 0; sides < 4; sides++) {
      ragged(&rigs, sides);
      if (which == 31 || (which == 21 && !sides)) rigs.in.padding = NULL;
      option(&rigs, which, &rng);
      if (which == 31) hidden[0] = 0;
      differences(&rigs, &rng);
      if (check_errors) printf("    option %d, sides %d\n", which, sides);
    }
}

/* Trained states (few: folded; many: not), trained memories, Gaussian heads, fixed points, frozen targets. */
static void special(rig *r, int which, hfy_rng *rng) {
  hfy_layer *l = &r->layer;
  ragged(r, which == 8 || which == 9 || which == 10);
  switch (which) {
  case 0: l->queries = 1; l->head_width = 4; break;
  case 1: l->queries = 2; l->head_width = 6; l->extra_steps = 2; l->flags = HFY_LAYER_LEARN_BETA; break;
  case 2: l->queries = 1; l->head_width = 5; l->norm_stored = HFY_LAYER_RAW; l->extra_steps = 1; break;
  case 3: l->queries = 1; l->head_width = 5; l->norm_projected = HFY_LAYER_PLAIN; r->in.padding = hidden; break;
  case 4: l->queries = 3; l->head_width = 1; l->extra_steps = 1; break;
  case 5: l->queries = 1; l->head_width = 4; l->dropout = 0.3; r->in.training = 1; break;
  case 6: l->queries = 1; l->head_width = 4; l->sep.kind = HFY_SEP_SPARSEMAX; r->in.projected = r->projected; break;
  case 7: l->static_state = 1; l->head_width = 4; l->heads = 3; r->in.state = r->state; r->in.state_rows = rows_of_bags; break;
  case 8: l->memories = 5; r->in.stored = NULL; break;
  case 9: l->memories = 4; l->flags = HFY_LAYER_OWN_TARGETS; l->projected_width = 3; l->extra_steps = 1; r->in.stored = NULL; break;
  case 10:
    l->memories = 4;
    l->flags = HFY_LAYER_OWN_TARGETS | HFY_LAYER_FROZEN_TARGETS | HFY_LAYER_ZERO;
    r->in.stored = NULL;
    break;
  case 11: l->flags = HFY_LAYER_GAUSSIAN; l->positions = 5; break;
  case 12: l->flags = HFY_LAYER_GAUSSIAN; l->positions = 6; r->in.causal = 1; masked(r, rng, 2); break;
  case 13: l->queries = 1; l->head_width = 4; masked(r, rng, 0); r->mask_reals = 4 + 5 + 3; break;
  case 14: l->stored_width = 3; l->projected_width = 5; l->head_width = 2; r->in.state = r->state; r->in.state_each = 2;
    r->in.projected = r->projected; break;
  }
}

TEST(special_layers) {
  hfy_rng rng = hfy_rng_seed(8);
  int which, again;
  for (which = 0; which < 15 && !check_errors; which++)
    for (again = 0; again < 2; again++) {
      special(&rigs, which, &rng);
      differences(&rigs, &rng);
      if (check_errors) printf("    special %d\n", which);
    }
}

TEST(random_layers) {
  hfy_rng rng = hfy_rng_seed(9);
  int i;
  for (i = 0; i < 200 && !check_errors; i++) {
    const size_t many = 2 + below(&rng, 4);
    size_t k;
    ragged(&rigs, (int)below(&rng, 4));
    hidden[0] = 0;
    for (k = 0; k < many; k++) {
      int which;
      hfy_layer before;
      hfy_layer_input in;
      do which = (int)below(&rng, OPTIONS);
      while ((which == 22 || which == 23) && rigs.in.mask);
      before = rigs.layer;
      in = rigs.in;
      option(&rigs, which, &rng);
      if (hfy_layer_check(&rigs.layer, NULL, &rigs.work) || (rigs.in.causal && rigs.layer.sep.kind >= HFY_SEP_KSUBSETS) ||
          (rigs.in.causal && rigs.in.padding && rigs.layer.sep.kind == HFY_SEP_KSUBSETS)) {
        rigs.layer = before; /* they do not go together */
        rigs.in = in;
        if (!in.mask) rigs.mask_reals = 0;
      }
    }
    differences(&rigs, &rng);
    if (check_errors) printf("    random layer %d\n", i);
  }
}
#endif

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(goldens);
  RUN(golden_blocks);
#ifdef HFY_DOUBLE
  RUN(each_option);
  RUN(special_layers);
  RUN(random_layers);
#endif
  return CHECK_END();
}
