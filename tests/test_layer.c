/* Hopfield layers: outputs and gradients of the public ones, every option against central differences, bags, errors. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "layers.h"
#ifdef _OPENMP
#include <omp.h>
#endif

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

static void clear(rig *r) {
  hfy_work_free(&r->work);
  memset(r, 0, sizeof *r);
}

/* Finds sizes; everything else is set. */
static void rig_sizes(rig *r) {
  const hfy_layer *l = &r->layer;
  hfy_layer full = *l;
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
    clear(r);
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
  size_t g, i, j, reals = 0;
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
    clear(r);
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

static const size_t rows_of_bags[3] = {3, 1, 2}, stored_of_bags[3] = {4, 5, 3};
static unsigned char hidden[12] = {0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0};

/* A rig with three ragged bags. sides: 1 a state of its own, 2 values of their own. */
static void ragged(rig *r, int sides) {
  clear(r);
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

#ifdef HFY_DOUBLE
static double weigh(rig *r) {
  double sum = 0;
  size_t i;
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, NULL, NULL, &r->work) == HFY_OK);
  for (i = 0; i < r->outs; i++) sum += (double)r->out[i] * (double)r->dout[i];
  return sum;
}

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

/* --- the same another way --- */

/* Draws what a rig needs that has its sizes. */
static void draw(rig *r, hfy_rng *rng) {
  rig_sizes(r);
  draw_params(r->table, r->entries, rng, r->param);
  normals(rng, r->stored, r->stored_reals, 1);
  normals(rng, r->state, r->state_reals, 1);
  normals(rng, r->projected, r->projected_reals, 1);
  normals(rng, r->dout, r->outs, 1);
}

static void run(rig *r, hfy_real *out, hfy_layer_grad *grad) {
  if (!CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, out, r->tape, NULL, &r->work) == HFY_OK))
    printf("    %s\n", r->work.message);
  if (!CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, grad, &r->work) == HFY_OK))
    printf("    %s\n", r->work.message);
}

/* Bags together and one by one: the same bits, of what a bag has to itself. */
TEST(bag_by_bag) {
  static hfy_real alone[REALS];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(10);
  int i;
  for (i = 0; i < 12; i++) {
    size_t b, row = 0, stored = 0;
    hfy_layer_input all;
    ragged(r, i % 4);
    if (i >= 4) r->layer.extra_steps = 2;
    if (i >= 8) r->layer.flags = HFY_LAYER_ZERO | HFY_LAYER_BIAS_PATTERN;
    draw(r, &rng);
    r->grad.stored = r->d_stored;
    run(r, r->out, &r->grad);
    all = r->in;
    for (b = 0; b < 3; b++) {
      hfy_layer_grad grad = {NULL, NULL, NULL, NULL, NULL};
      const size_t rows = all.state ? rows_of_bags[b] : stored_of_bags[b];
      const hfy_real *dout = r->dout + row * 4;
      hfy_real got[REALS / 16];
      r->in.bags = 1;
      r->in.stored = all.stored + stored * 4;
      r->in.stored_rows = stored_of_bags + b;
      r->in.state = all.state ? all.state + row * 4 : NULL;
      r->in.state_rows = rows_of_bags + b;
      r->in.projected = all.projected ? all.projected + stored * 4 : NULL;
      memset(alone, 0, sizeof alone);
      grad.stored = alone;
      CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, got, r->tape, NULL, &r->work) == HFY_OK);
      CHECK(same_bits(got, r->out + row * 4, rows * 4 * sizeof *got));
      CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, dout, &grad, &r->work) == HFY_OK);
      CHECK(same_bits(alone, r->d_stored + stored * 4, stored_of_bags[b] * 4 * sizeof *alone));
      row += rows;
      stored += stored_of_bags[b];
    }
    r->in = all;
  }
}

/* A row's bits are its own: some of the states of a bag (with causal the first ones) give what they gave with the others. */
TEST(a_row_is_alone_in_its_bag) {
  static hfy_real all[REALS], some[REALS];
  static unsigned char padding[48];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(26 + sizeof(hfy_real));
  int trial;
  for (trial = 0; trial < 600 / (int)FEWER; trial++) {
    const size_t n = 2 + below(&rng, trial % 8 ? 6 : 40);
    size_t from, to, i;
    clear(r);
    r->layer.width = 4, r->layer.heads = 1 + below(&rng, 2), r->layer.extra_steps = below(&rng, 3);
    r->layer.flags = (unsigned)below(&rng, 4) * HFY_LAYER_ZERO;
    r->layer.sep.kind = (hfy_sep_kind)below(&rng, HFY_SEP_KSUBSETS), r->layer.beta = 2 * hfy_rng_uniform(&rng) + 0.1;
    r->in.bags = 1, r->in.stored_each = r->in.state_each = n, r->in.stored = r->stored, r->in.state = r->state;
    r->in.causal = (int)below(&rng, 2);
    if (below(&rng, 2)) r->in.padding = padding;
    for (i = 0; i < n; i++) padding[i] = i > 0 && !below(&rng, 3);
    draw(r, &rng);
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, all, NULL, NULL, &r->work) == HFY_OK);
    for (from = 0; from < n; from = r->in.causal ? n : to) {
      to = from + 1 + below(&rng, n - from);
      r->in.state = r->state + from * 4, r->in.state_each = to - from;
      CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, some, NULL, NULL, &r->work) == HFY_OK);
      if (!CHECK(same_bits(some, all + from * 4, (to - from) * 4 * sizeof *some)))
        printf("    trial %d: kind %d, rows %d .. %d of %d, causal %d, flags %u\n", trial, (int)r->layer.sep.kind, (int)from,
               (int)to, (int)n, r->in.causal, r->layer.flags);
    }
  }
}

/* Trained states that are folded, and the same as states that come in; lookup's memories, and the same as stored rows
   of every bag. Outputs and gradients agree to rounding. */
static void near_all(const hfy_real *a, const hfy_real *b, size_t n, double tol) {
  size_t i;
  for (i = 0; i < n; i++) CHECK_NEAR(a[i], b[i], tol);
}

TEST(folded_is_plain) {
  static hfy_real out[REALS], d_param[REALS], d_stored[REALS];
  size_t steps[12];
  const hfy_layer_report told = {NULL, NULL, NULL, NULL, NULL, steps, NULL};
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(11);
  const double tol = 400 * REAL_EPS;
  int i;
  for (i = 0; i < 16; i++) {
    size_t b, pool, own, k;
    hfy_layer_input in;
    ragged(r, 0);
    r->layer.queries = 1 + (size_t)(i & 1);
    r->layer.head_width = 7;
    r->layer.extra_steps = (size_t)i / 2 % 3;
    if (i & 4) r->layer.norm_stored = HFY_LAYER_RAW;
    if (i & 8) r->in.padding = hidden;
    hidden[0] = 0;
    draw(r, &rng);
    memset(d_param, 0, sizeof d_param);
    memset(d_stored, 0, sizeof d_stored);
    r->grad.params = d_param;
    r->grad.stored = d_stored;
    run(r, out, &r->grad);
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, &told, &r->work) == HFY_OK);
    for (k = 0; k < 6 * r->layer.queries; k++) CHECK(steps[k] == r->layer.extra_steps + 1);
    in = r->in;
    pool = r->table[0].count;
    own = r->params - pool;
    for (b = 0; b < 3; b++)
      for (k = 0; k < pool; k++) r->state[b * pool + k] = r->param[k];
    memmove(r->param, r->param + pool, own * sizeof *r->param);
    r->in.state = r->state; /* the layer without trained states: its tape has k and v */
    r->in.state_rows = NULL;
    r->in.state_each = r->layer.queries;
    r->layer.queries = 0;
    CHECK(hfy_layer_tape(&r->layer, &r->in, &r->in.tape_reals, &r->work) == HFY_OK);
    CHECK(r->in.tape_reals != in.tape_reals);
    r->grad.params = r->d_param;
    r->grad.stored = r->d_stored;
    r->grad.state = r->d_state;
    run(r, r->out, &r->grad);
    near_all(out, r->out, r->outs, tol);
    near_all(d_param + pool, r->d_param, own, tol);
    near_all(d_stored, r->d_stored, r->stored_reals, tol);
    for (k = 0; k < pool; k++)
      CHECK_NEAR(d_param[k], r->d_state[k] + r->d_state[pool + k] + r->d_state[2 * pool + k], tol);
    if (check_errors) printf("    case %d\n", i);
    if (check_errors) break;
  }
}

/* Static states of their own are folded where rows are no wider than a head; where the stored rows are the states they are
   not, with the same answers. */
TEST(static_states) {
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(38);
  size_t i, tape[4];
  for (i = 0; i < 4; i++) {
    ragged(r, 0);
    r->layer.static_state = 1;
    r->layer.head_width = 4;
    r->layer.value_width = i == 3 ? 3 : 4;
    if (i) r->in.state = r->state;
    r->in.state_rows = stored_of_bags;
    if (i == 2) r->in.mask = r->mask; /* of 0 */
    if (!i) draw(r, &rng);
    rig_sizes(r);
    tape[i] = r->tape_reals;
  }
  CHECK(tape[1] < tape[0] && tape[2] == tape[0] && tape[3] > tape[1]);
  ragged(r, 0);
  r->layer.static_state = 1;
  r->layer.head_width = 4;
  r->layer.extra_steps = 1;
  draw(r, &rng);
  r->grad.stored = r->d_stored;
  run(r, r->out, &r->grad);
  for (i = 0; i < 2; i++) {
    static hfy_real out[REALS], d_stored[REALS], d_state[REALS];
    size_t k;
    r->in.state = r->stored;
    r->in.state_rows = stored_of_bags;
    if (i) r->in.mask = r->mask;
    rig_sizes(r);
    memset(d_stored, 0, sizeof d_stored);
    memset(d_state, 0, sizeof d_state);
    r->grad.stored = d_stored;
    r->grad.state = d_state;
    run(r, out, &r->grad);
    near_all(out, r->out, r->outs, 200 * REAL_EPS);
    for (k = 0; k < r->stored_reals; k++) CHECK_NEAR(d_stored[k] + d_state[k], r->d_stored[k], 400 * REAL_EPS);
  }
}

/* Bags of one row beside bags of thousands: each has the outputs, reports and gradients of its input that it has alone, to
   the bit, whatever folds; parameters get the sum of what the bags give. */
enum { WIDEST = 6, STORED_ROWS = 4800, STATE_ROWS = 160, WEIGHTS = 1 << 20, FROM_BAGS = 1 << 19 };
typedef struct bag_result {
  hfy_real out[STATE_ROWS * WIDEST], weights[WEIGHTS], stored[STORED_ROWS * WIDEST], state[STATE_ROWS * WIDEST];
  hfy_real projected[STORED_ROWS * WIDEST], params[REALS];
  double energy[2 * STATE_ROWS];
  size_t steps[2 * STATE_ROWS];
  hfy_status status[STATE_ROWS];
} bag_result;

/* Both ways through in, with results at those offsets (rows of out, of states, stored rows, weights). */
static void through_bags(const rig *r, const hfy_layer_input *given, int energy, bag_result *to, const size_t at[4]) {
  static hfy_real tape[FROM_BAGS];
  const size_t heads = r->layer.heads, wide = r->layer.width;
  hfy_layer_input in = *given;
  hfy_layer_report tell;
  hfy_layer_grad grad;
  hfy_work *w = (hfy_work *)(uintptr_t)&r->work;
  memset(&tell, 0, sizeof tell);
  memset(&grad, 0, sizeof grad);
  tell.weights = to->weights + at[3];
  tell.steps = to->steps + at[0] * heads;
  tell.status = to->status + at[0];
  if (energy) tell.energy = to->energy + at[0] * heads;
  grad.params = to->params;
  grad.stored = to->stored + at[2] * r->layer.stored_width;
  if (in.projected) grad.projected = to->projected + at[2] * r->layer.projected_width;
  if (in.state) grad.state = to->state + at[1] * wide;
  in.tape_reals = FROM_BAGS;
  if (!CHECK(hfy_layer_forward(&r->layer, r->param, &in, to->out + at[0] * wide, tape, &tell, w) == HFY_OK))
    printf("    %s\n", w->message);
  if (!CHECK(hfy_layer_backward(&r->layer, r->param, &in, tape, r->dout + at[0] * wide, &grad, w) == HFY_OK))
    printf("    %s\n", w->message);
}

/* A layer whose states are trained or static, or (i % 8 == 7) neither, and its bags; returns stored rows of all. */
static size_t draw_bags(rig *r, int i, hfy_rng *rng, size_t *states, size_t *stored, size_t *rows) {
  static const hfy_sep_kind kinds[] = {HFY_SEP_SOFTMAX, HFY_SEP_SPARSEMAX, HFY_SEP_ENTMAX, HFY_SEP_NORMMAX, HFY_SEP_KSUBSETS};
  hfy_layer *l = &r->layer;
  size_t b, all = 0;
  clear(r);
  l->heads = 1 + below(rng, 2);
  l->width = 2 + below(rng, WIDEST - 1);
  l->stored_width = 2 + below(rng, l->width - 1);
  l->projected_width = i & 1 ? l->stored_width : 2 + below(rng, WIDEST - 1);
  l->head_width = l->width;
  l->value_width = 2 + below(rng, WIDEST);
  l->queries = i % 4 == 3 && i % 8 < 7 ? 1 + below(rng, 4) : 0;
  l->static_state = i % 8 < 7;
  l->extra_steps = below(rng, 3);
  l->norm_stored = (hfy_layer_norm)below(rng, 3);
  l->norm_projected = (hfy_layer_norm)below(rng, 3);
  l->sep.kind = kinds[below(rng, COUNT(kinds))];
  l->sep.k = 1;
  l->beta = 0.3;
  if (!below(rng, 4)) l->flags = HFY_LAYER_LEARN_BETA;
  r->in.bags = 2 + below(rng, 4);
  for (b = *rows = 0; b < r->in.bags; b++, *rows += states[b - 1], all += stored[b - 1]) {
    states[b] = l->queries ? l->queries : below(rng, 2) ? 1 : 1 + below(rng, 30);
    stored[b] = below(rng, 3) ? 1 + below(rng, 20) : 1 + below(rng, states[b] > 4 ? 100 : 2500);
    if (all + stored[b] > STORED_ROWS) stored[b] = 1;
  }
  return all;
}

TEST(bags_of_any_size) {
  static unsigned char padding[STORED_ROWS];
  static bag_result all, alone;
  static hfy_real stored[STORED_ROWS * WIDEST], projected[STORED_ROWS * WIDEST];
  static const size_t none[4] = {0, 0, 0, 0};
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(31 + sizeof(hfy_real));
  int i;
  for (i = 0; i < 64 / (int)FEWER && !check_errors; i++) {
    size_t state_rows[5], stored_rows[5], at[4] = {0, 0, 0, 0}, rows, k, b;
    const size_t many = draw_bags(r, i, &rng, state_rows, stored_rows, &rows);
    const int energy = !below(&rng, 4) && r->layer.stored_width == r->layer.head_width;
    const hfy_layer *l = &r->layer;
    hfy_layer_input in = r->in;
    CHECK(hfy_layer_params(l, "", 0, r->table, ENTRIES, &r->entries, &r->params, &r->work) == HFY_OK && r->params <= REALS);
    draw_params(r->table, r->entries, &rng, r->param);
    for (k = 0; k < many * WIDEST; k++) stored[k] = (hfy_real)bell(&rng), projected[k] = (hfy_real)bell(&rng);
    normals(&rng, r->state, rows * l->width, 1);
    normals(&rng, r->dout, rows * l->width, 1);
    for (k = 0; k < many; k++) padding[k] = !below(&rng, 3);
    for (b = k = 0; b < in.bags; k += stored_rows[b++]) padding[k] = 0;
    in.state_rows = state_rows;
    in.stored_rows = stored_rows;
    in.stored = stored;
    in.projected = i & 1 && below(&rng, 2) ? NULL : projected;
    in.state = l->queries ? NULL : r->state;
    if (below(&rng, 2)) in.padding = padding;
    memset(&all, 0, sizeof all);
    memset(&alone, 0, sizeof alone);
    through_bags(r, &in, energy, &all, none);
    for (b = 0; b < in.bags; b++) {
      hfy_layer_input one = in;
      one.bags = 1;
      one.state_rows = one.stored_rows = NULL;
      one.state_each = state_rows[b];
      one.stored_each = stored_rows[b];
      one.stored = stored + at[2] * l->stored_width;
      if (in.projected) one.projected = projected + at[2] * l->projected_width;
      if (in.state) one.state = r->state + at[1] * l->width;
      if (in.padding) one.padding = padding + at[2];
      through_bags(r, &one, energy, &alone, at);
      at[0] += state_rows[b];
      at[1] += state_rows[b];
      at[2] += stored_rows[b];
      at[3] += l->heads * state_rows[b] * stored_rows[b];
    }
    CHECK(same_bits(all.out, alone.out, sizeof all.out) && same_bits(all.weights, alone.weights, at[3] * sizeof *all.weights));
    CHECK(same_bits(all.stored, alone.stored, sizeof all.stored) && same_bits(all.state, alone.state, sizeof all.state));
    CHECK(same_bits(all.projected, alone.projected, sizeof all.projected));
    CHECK(same_bits(all.steps, alone.steps, sizeof all.steps) && same_bits(all.status, alone.status, sizeof all.status));
    CHECK(same_bits(all.energy, alone.energy, sizeof all.energy));
    near_all(all.params, alone.params, r->params, 4000 * REAL_EPS);
    if (check_errors)
      printf("    case %d: kind %d, trained %d, static %d, widths %d %d %d %d, extra steps %d\n", i, (int)l->sep.kind, (int)l->queries,
             l->static_state, (int)l->width, (int)l->stored_width, (int)l->projected_width, (int)l->value_width, (int)l->extra_steps);
  }
}

/* Sizes and numbers at their ends: steps without end need no tape, or are refused; a position that sees itself alone;
   scratch of a folded bag does not grow with its rows. */
TEST(ends_of_ranges) {
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(37);
  size_t i, peak[2], workers = 1;
#ifdef _OPENMP
  workers = (size_t)omp_get_max_threads();
#endif
  ragged(r, 1);
  draw(r, &rng);
  r->layer.tol = 1e-3;
  r->layer.extra_steps = SIZE_MAX / 8 + 1;
  r->in.tape_reals = 16 * REALS;
  CHECK_FAILS(hfy_layer_tape(&r->layer, &r->in, &r->tape_reals, &r->work), HFY_ERR_ARG, &r->work, "layer->extra_steps is");
  CHECK_FAILS(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, NULL, &r->work), HFY_ERR_ARG, &r->work,
              "it should be smaller: no tape is so long");
  CHECK(all_are(r->out, r->outs, 0) && all_are(r->tape, COUNT(r->tape), 0));
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, NULL, NULL, &r->work) == HFY_OK);
  ragged(r, 0);
  r->layer.flags = HFY_LAYER_GAUSSIAN;
  r->layer.positions = 5;
  draw(r, &rng);
  for (i = 0; i < r->entries; i++) { /* row 0 is at -1 */
    if (!strcmp(r->table[i].name, "mu")) r->param[r->table[i].offset] = -1;
    if (!strcmp(r->table[i].name, "sigma")) r->param[r->table[i].offset] = (hfy_real)(0.25 / REAL_MAX);
  }
  r->grad.params = r->d_param;
  run(r, r->out, &r->grad);
  for (i = 0; i < r->params; i++) CHECK(fabs((double)r->d_param[i]) <= REAL_MAX);
  for (i = 0; i < 2; i++) {
    clear(r);
    r->layer.width = r->layer.heads = 4;
    r->layer.queries = 1;
    r->layer.head_width = 16;
    r->layer.norm_stored = r->layer.norm_projected = HFY_LAYER_RAW;
    r->in.bags = 1;
    r->in.stored = r->stored;
    r->in.stored_each = REALS / 4 - i * REALS / 16; /* of several folds each */
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, NULL, NULL, &r->work) == HFY_OK);
    peak[i] = r->work.peak;
  }
  /* each worker has scratch of its own, and longer memories occupy more of them; no keys or values are made */
  CHECK(peak[0] < 131072 * workers && (workers > 1 || peak[0] == peak[1]));
  CHECK(peak[0] - peak[1] < REALS / 16 * 16 * sizeof(hfy_real));
}

TEST(lookup_is_plain) {
  static hfy_real out[REALS], d_state[REALS];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(12);
  const double tol = 400 * REAL_EPS;
  size_t i, k;
  for (i = 0; i < 5; i++) { /* the last: memories meet several tiles of states */
    ragged(r, 1);
    r->layer.memories = 6;
    r->layer.extra_steps = i & 1;
    if (i & 2) r->layer.flags = HFY_LAYER_ZERO;
    r->in.stored = NULL;
    if (i == 4) r->in.state_rows = NULL, r->in.state_each = 100;
    draw(r, &rng);
    memset(d_state, 0, sizeof d_state);
    r->grad.state = d_state;
    run(r, out, &r->grad);
    for (k = 0; k < 3 * 24; k++) r->stored[k] = r->param[k % 24];
    memmove(r->param, r->param + 24, (r->params - 24) * sizeof *r->param);
    r->layer.memories = 0;
    r->in.stored = r->stored;
    r->in.stored_rows = NULL;
    r->in.stored_each = 6;
    CHECK(hfy_layer_tape(&r->layer, &r->in, &r->in.tape_reals, &r->work) == HFY_OK);
    r->grad.state = r->d_state;
    run(r, r->out, &r->grad);
    near_all(out, r->out, r->outs, tol);
    near_all(d_state, r->d_state, r->state_reals, tol);
  }
}

/* Bounds of each state go with a bag's states, of memories too: no bag reads beyond them, whatever is reported. */
TEST(bounds_of_each_state) {
  static const double upper[12] = {0.5, 0.5, 0.25, 0.9, 0.2, 0.3}; /* behind them nothing meets 1 */
  static hfy_real d_param[REALS], out[REALS];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(41);
  hfy_real weights[12];
  hfy_layer_report told;
  memset(&told, 0, sizeof told);
  told.weights = weights;
  clear(r);
  r->layer.width = 2, r->layer.memories = 3;
  r->layer.sep.kind = HFY_SEP_SPARSEMAX, r->layer.sep.upper = upper, r->layer.sep.bound_stride = 3;
  r->in.bags = r->in.state_each = 2, r->in.state = r->state;
  draw(r, &rng);
  memcpy(r->state + 4, r->state, 4 * sizeof *r->state);
  r->grad.params = r->d_param;
  run(r, r->out, &r->grad);
  CHECK(same_bits(r->out, r->out + 4, 4 * sizeof *r->out));
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, out, r->tape, &told, &r->work) == HFY_OK);
  CHECK(same_bits(r->out, out, 8 * sizeof *out));
  memset(d_param, 0, sizeof d_param);
  r->grad.params = d_param;
  CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work) == HFY_OK);
  CHECK(same_bits(d_param, r->d_param, r->params * sizeof *d_param));
}

/* At a fixed point the implicit gradient is that of many steps; the start's is 0. */
TEST(fixed_points) {
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(13);
  int i;
  for (i = 0; i < 6; i++) {
    static hfy_real unrolled[REALS];
    const double tol = sizeof(hfy_real) == 4 ? 2e-3 : 1e-9;
    size_t k;
    ragged(r, i & 1);
    r->layer.beta = 0.3;
    r->layer.extra_steps = 200;
    if (i >= 4) r->layer.flags = HFY_LAYER_LEARN_BETA;
    draw(r, &rng);
    memset(unrolled, 0, sizeof unrolled);
    r->grad.params = unrolled;
    run(r, r->out, &r->grad);
    r->layer.implicit = 1;
    if (i >= 2) r->layer.extra_steps = 0;
    CHECK(hfy_layer_tape(&r->layer, &r->in, &r->in.tape_reals, &r->work) == HFY_OK);
    r->grad.params = r->d_param;
    if (r->in.state) r->grad.state = r->d_state;
    run(r, r->out, &r->grad);
    for (k = 0; k < r->params; k++) CHECK_NEAR(r->d_param[k], unrolled[k], tol);
    CHECK(all_are(r->d_state, r->state_reals, 0));
    CHECK(all_are(r->d_param, 16, 0)); /* W_Q */
    if (check_errors) printf("    case %d\n", i);
    if (check_errors) break;
  }
}

/* A layer without weights is a net for each head, forward to the bit: rows that stop early, at a cycle or not at all, a
   row that is lost, a fixed point. The way back reads from the tape what the net's own finds out again. */
TEST(without_weights_a_net) {
  static const double betas[2] = {0.8, 6};
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(21);
  size_t i, h, b, j, fewest = 99, most = 0;
  for (i = 0; i < 24; i++) {
    static hfy_real out[REALS], d_keys[REALS], d_state[REALS], d_values[REALS];
    size_t steps[64], row = 0, stored = 0;
    hfy_layer_report report;
    ragged(r, 3);
    r->layer.head_width = r->layer.value_width = 4;
    r->layer.static_state = r->layer.static_stored = r->layer.static_projected = 1;
    r->layer.norm_state = r->layer.norm_stored = r->layer.norm_projected = HFY_LAYER_RAW;
    r->layer.flags = HFY_LAYER_NO_OUT | HFY_LAYER_NO_BIAS;
    r->layer.betas = betas;
    r->layer.implicit = i % 3 == 2;
    r->layer.extra_steps = r->layer.implicit ? 0 : i % 6 * (i % 6);
    r->layer.tol = i % 4 ? 0 : 0.05;
    if (i % 8 == 3) r->layer.post.kind = HFY_POST_TANH;
    draw(r, &rng);
    if (i & 1) r->state[4 * (i % 5)] = not_a_number();
    memset(&report, 0, sizeof report);
    memset(steps, 0, sizeof steps);
    report.steps = steps;
    r->grad.stored = r->d_stored;
    r->grad.state = r->d_state;
    r->grad.projected = r->d_projected;
    memset(d_keys, 0, sizeof d_keys);
    memset(d_state, 0, sizeof d_state);
    memset(d_values, 0, sizeof d_values);
    hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, &report, &r->work);
    if (!CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work) == HFY_OK))
      printf("    %s\n", r->work.message);
    for (b = 0; b < 3; row += rows_of_bags[b], stored += stored_of_bags[b++])
      for (h = 0; h < 2; h++) {
        hfy_real dout[16];
        hfy_net net;
        hfy_grad grad;
        memset(&net, 0, sizeof net);
        memset(&grad, 0, sizeof grad);
        net.count = stored_of_bags[b];
        net.dim = net.readout_dim = 4;
        net.keys = r->stored + 4 * stored;
        net.readout = r->projected + 4 * stored;
        net.beta = betas[h];
        net.post = r->layer.post;
        net.tol = r->layer.tol;
        net.max_steps = r->layer.implicit ? 1001 : 1 + r->layer.extra_steps;
        grad.keys = d_keys + 4 * stored;
        grad.readout = d_values + 4 * stored;
        grad.queries = d_state + 4 * row;
        grad.implicit = r->layer.implicit;
        memset(out, 0, sizeof out);
        hfy_retrieve(&net, r->state + 4 * row, rows_of_bags[b], out, NULL, NULL);
        for (j = 0; j < rows_of_bags[b]; j++) {
          const size_t at = 2 * (row + j) + h;
          CHECK(same_bits(out + 4 * j, r->out + 4 * at, 4 * sizeof *out));
          memcpy(dout + 4 * j, r->dout + 4 * at, 4 * sizeof *out);
          if (steps[at] && steps[at] < fewest) fewest = steps[at];
          if (steps[at] > most) most = steps[at];
        }
        hfy_retrieve_vjp(&net, r->state + 4 * row, rows_of_bags[b], dout, &grad, NULL);
      }
    near_all(d_keys, r->d_stored, REALS, 100 * REAL_EPS); /* layers add short dots up in another order */
    near_all(d_state, r->d_state, REALS, 100 * REAL_EPS);
    near_all(d_values, r->d_projected, REALS, 100 * REAL_EPS);
    if (check_errors) printf("    case %u\n", (unsigned)i);
    if (check_errors) break;
  }
  CHECK(fewest == 1 && most >= 20);
}

/* One stored row: the second step finds that the state stands still. Many: whole rows of scores or (no weights are asked
   for) block by block. A state of NaN has no answer after any number of steps. */
TEST(short_and_long_bags) {
  static hfy_real weights[5 * 700], out[REALS];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(77);
  size_t steps[5], i, j;
  for (i = 0; i < 3; i++) {
    hfy_layer_report report;
    hfy_status status[5];
    clear(r);
    r->layer.width = 4;
    r->layer.extra_steps = i ? 1 : 9;
    r->in.bags = 1;
    r->in.stored_each = i ? 700 : 1;
    r->in.state_each = 5;
    r->in.stored = r->stored;
    r->in.state = r->state;
    draw(r, &rng);
    memset(&report, 0, sizeof report);
    report.steps = steps;
    report.weights = i ? weights : NULL;
    report.status = status;
    if (i == 2) {
      r->layer.norm_state = HFY_LAYER_RAW;
      r->layer.extra_steps = 3;
      rig_sizes(r);
      r->state[4] = not_a_number();
      CHECK_FAILS(hfy_layer_forward(&r->layer, r->param, &r->in, out, r->tape, NULL, &r->work), HFY_ERR_NONFINITE,
                  &r->work, "row 1");
      report.weights = NULL;
      CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, out, r->tape, &report, &r->work) == HFY_ERR_NONFINITE);
      for (j = 0; j < 5; j++) CHECK(status[j] == (j == 1 ? HFY_ERR_NONFINITE : HFY_OK));
      continue;
    }
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, out, r->tape, &report, &r->work) == HFY_OK);
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, NULL, &r->work) == HFY_OK);
    near_all(out, r->out, 20, 100 * REAL_EPS);
    for (j = 0; j < 5; j++) CHECK(steps[j] == 2);
    r->layer.tol = 1e30; /* any step is short */
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, &report, &r->work) == HFY_OK);
    for (j = 0; j < 5; j++) CHECK(steps[j] == 1);
  }
}

/* 60 rows of which each sees those before it, or a mask hides the others: the same answers. Rows that stop at different
   steps: each has the gradient that it has alone. */
TEST(rows_that_differ_in_what_they_do) {
  static hfy_real out[REALS], d_state[REALS];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(78);
  size_t i, j;
  clear(r);
  r->layer.width = 4;
  r->layer.extra_steps = 1;
  r->in.bags = 1;
  r->in.stored_each = 60;
  r->in.stored = r->stored;
  r->in.causal = 1;
  draw(r, &rng);
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, out, r->tape, NULL, &r->work) == HFY_OK);
  for (i = 0; i < 60; i++)
    for (j = 0; j < 60; j++) r->mask[i * 60 + j] = j > i ? (hfy_real)-HUGE_VAL : 0;
  r->in.causal = 0;
  r->in.mask = r->mask;
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, NULL, &r->work) == HFY_OK);
  near_all(out, r->out, 240, 100 * REAL_EPS);
  r->in.mask = NULL;
  r->in.state = r->state;
  r->in.state_each = 20;
  r->layer.extra_steps = 9;
  r->layer.tol = 0.05;
  draw(r, &rng);
  memset(d_state, 0, sizeof d_state);
  r->grad.state = d_state;
  run(r, out, &r->grad);
  r->in.state_each = 1;
  for (i = 0; i < 20; i++, r->in.state += 4) {
    hfy_layer_grad alone = {NULL, NULL, NULL, NULL, NULL};
    hfy_real got[4] = {0, 0, 0, 0};
    alone.state = got;
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, NULL, &r->work) == HFY_OK);
    CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout + 4 * i, &alone, &r->work) == HFY_OK);
    near_all(got, d_state + 4 * i, 4, 100 * REAL_EPS);
  }
}

/* layer.safetensors holds golden 101's parameters as Python's safetensors lays them out: sorted, F32, with metadata. */
TEST(a_file_of_pythons) {
  static const char name[] = "layer.safetensors";
  char path[1024] = __FILE__, *end = strrchr(path, '/'); /* beside this file */
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(101);
  size_t i;
  strcpy(end ? end + 1 : path, name);
  clear(r);
  golden_layer(layer_goldens, &r->layer, &r->in, NULL, NULL);
  r->in.stored = r->stored;
  rig_sizes(r);
  draw_params(r->table, r->entries, &rng, r->param); /* for the inputs, which are drawn after them */
  normals(&rng, r->stored, r->stored_reals, 1);
  fill(r->param, r->params, 0);
  CHECK(hfy_file_safetensors_read(path, r->table, r->entries, r->param, &r->work) == HFY_OK);
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, NULL, NULL, &r->work) == HFY_OK);
  for (i = 0; i < r->outs; i++) CHECK_NEAR(r->out[i], layer_goldens[0].out[i], 1e-5);
  r->layer.flags = HFY_LAYER_NO_OUT;
  rig_sizes(r);
  CHECK_FAILS(hfy_file_safetensors_read(path, r->table, r->entries, r->param, &r->work), HFY_ERR_FORMAT,
              &r->work, "out_proj");
  hfy_work_free(&r->work);
}

/* Start values are the public layer's. Two layers, one after the other, on one work. */
TEST(stacked) {
  static hfy_real param[2 * REALS], middle[REALS], first[4096], second[4096], d_middle[REALS];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(19);
  hfy_layer_grad grad = {NULL, NULL, NULL, NULL, NULL};
  size_t i, k;
  double sum = 0, square = 0;
  ragged(r, 0);
  r->layer.heads = 1;
  r->layer.width = 32;
  r->in.bags = 1;
  CHECK(hfy_layer_params(&r->layer, "one.", 0, r->table, ENTRIES, &r->entries, &r->params, &r->work) == HFY_OK);
  CHECK(hfy_param_init(r->table, r->entries, &rng, param, &r->work) == HFY_OK);
  CHECK(!strcmp(r->table[0].name, "one.association_core.in_proj_weight") && r->table[0].count == 3 * 32 * 32);
  for (k = 0; k < r->table[0].count; k++) {
    sum += (double)param[k];
    square += (double)param[k] * (double)param[k];
  }
  CHECK(fabs(sum / 3072) < 4 * 0.02 / sqrt(3072.0));
  CHECK(fabs(sqrt(square / 3072) - 0.02) < 0.001);
  for (i = 1; i < r->entries; i++)
    if (!strstr(r->table[i].name, "out_proj.weight"))
      CHECK(all_are(param + r->table[i].offset, r->table[i].count, strstr(r->table[i].name, "weight") != NULL));
  ragged(r, 0);
  draw(r, &rng);
  for (i = 0; i < 2; i++) { /* i: with a third pass in between, which uses the same scratch */
    hfy_layer_input next = r->in;
    next.stored = middle;
    memset(r->d_param, 0, sizeof r->d_param);
    memset(d_middle, 0, sizeof d_middle);
    grad.params = r->d_param;
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, middle, first, NULL, &r->work) == HFY_OK);
    CHECK(hfy_layer_forward(&r->layer, r->param, &next, r->out, second, NULL, &r->work) == HFY_OK);
    if (i) CHECK(hfy_layer_forward(&r->layer, r->param, &next, r->d_stored, NULL, NULL, &r->work) == HFY_OK);
    grad.stored = d_middle;
    CHECK(hfy_layer_backward(&r->layer, r->param, &next, second, r->dout, &grad, &r->work) == HFY_OK);
    grad.stored = NULL;
    CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, first, d_middle, &grad, &r->work) == HFY_OK);
    if (!i) memcpy(param, r->d_param, r->params * sizeof *param);
  }
  CHECK(same_bits(param, r->d_param, r->params * sizeof *param));
  hfy_work_free(&r->work);
}

/* What a second reading found: scratch of early folded steps, dropout that does not fold, hidden rows of NaN. */
TEST(found_by_reading) {
  static hfy_real weights[REALS], q[REALS], k[REALS], plain[REALS], dirt[4096];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(20);
  hfy_layer_report report;
  hfy_status status;
  size_t i, each, w;
  for (each = 1; each < 40; each++) { /* weights of a folded layer with steps before, on scratch that is not 0 */
    hfy_work dirty;
    ragged(r, 0);
    r->layer.queries = 1;
    r->layer.extra_steps = 1 + each % 2;
    r->in.bags = 1;
    r->in.stored_rows = NULL;
    r->in.stored_each = each;
    draw(r, &rng);
    memset(&dirty, 0, sizeof dirty);
    for (w = 0; w < COUNT(dirt); w++) dirt[w] = not_a_number();
    dirty.buffer = dirt;
    dirty.capacity = sizeof dirt;
    memset(&report, 0, sizeof report);
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, plain, NULL, &report, &r->work) == HFY_OK);
    report.weights = weights;
    report.status = &status;
    if (!CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, NULL, &report, &dirty) == HFY_OK))
      printf("    %s\n", dirty.message);
    CHECK(status == HFY_OK);
    near_all(r->out, plain, r->outs, 200 * REAL_EPS);
  }
  ragged(r, 0); /* with dropout the same whatever is reported */
  r->layer.queries = 1;
  r->layer.head_width = 8;
  r->layer.dropout = 0.5;
  r->in.training = 1;
  draw(r, &rng);
  memset(&report, 0, sizeof report);
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, plain, NULL, &report, &r->work) == HFY_OK);
  report.k = k;
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, NULL, &report, &r->work) == HFY_OK);
  near_all(r->out, plain, r->outs, 100 * REAL_EPS);
  ragged(r, 0); /* nothing at all, of states that are normalised */
  r->layer.queries = 2;
  r->layer.norm_space = 1;
  draw(r, &rng);
  r->in.bags = 0;
  report.q = q;
  fill(q, REALS, 7);
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, NULL, &report, NULL) == HFY_OK);
  CHECK(all_are(q, REALS, 7));
  ragged(r, 0); /* q and k of positions are not there */
  r->layer.flags = HFY_LAYER_GAUSSIAN;
  r->layer.positions = 5;
  r->layer.head_width = 5;
  draw(r, &rng);
  for (i = 0; i < r->entries; i++)
    if (strstr(r->table[i].name, "sigma")) fill(r->param + r->table[i].offset, r->table[i].count, 1);
  report.q = q;
  fill(q, REALS, 7);
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, NULL, &report, &r->work) == HFY_OK);
  CHECK(all_are(q, REALS, 7));
  ragged(r, 1); /* hidden rows of NaN, normalised again in the association space */
  r->layer.norm_space = 2;
  r->in.padding = hidden;
  draw(r, &rng);
  for (i = 0; i < 4; i++) r->stored[4 + i] = not_a_number();
  r->grad.params = r->d_param;
  r->grad.state = r->d_state;
  run(r, r->out, &r->grad);
  for (i = 0; i < r->params; i++) CHECK(fabs((double)r->d_param[i]) < 1e6);
  for (i = 0; i < r->state_reals; i++) CHECK(fabs((double)r->d_state[i]) < 1e6);
  r->state[1] = (hfy_real)(REAL_MAX / 2); /* in double its square is infinite: no answer instead of a wrong one */
  status = hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, NULL, &r->work);
  CHECK(status == (sizeof(hfy_real) == 8 ? HFY_ERR_NONFINITE : HFY_OK));
  CHECK(status == HFY_OK || all_are(r->out, 4, 0));
  r->in.tape_reals = 16 * REALS; /* room for any: what it belongs to decides */
  r->layer.extra_steps = 1;
  CHECK_FAILS(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work), HFY_ERR_ARG,
              &r->work, "tape is not of");
  r->layer.extra_steps = 0;
  r->in.causal = 1;
  CHECK_FAILS(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work), HFY_ERR_ARG,
              &r->work, "tape is not of");
  ragged(r, 1); /* static states leave a shorter tape */
  r->layer.heads = 1;
  draw(r, &rng);
  run(r, r->out, &r->grad);
  r->layer.static_state = 1;
  CHECK_FAILS(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work), HFY_ERR_ARG,
              &r->work, "tape is not of");
}

/* A block on a work of yours that is too small writes nothing; a row of NaN that is hidden from the others is 0. */
TEST(blocks_that_fail) {
  static hfy_real before[REALS];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(21);
  static unsigned char second[12] = {0, 1};
  hfy_block block;
  size_t i, bytes;
  void *room;
  ragged(r, 0);
  memset(&block, 0, sizeof block);
  block.self.width = 4;
  block.self.heads = 2;
  block.inner = 6;
  r->in.padding = second;
  CHECK(hfy_block_params(&block, NULL, 0, r->table, ENTRIES, &r->entries, &r->params, &r->work) == HFY_OK);
  CHECK(hfy_block_tape(&block, &r->in, NULL, &r->in.tape_reals, &r->work) == HFY_OK);
  draw_params(r->table, r->entries, &rng, r->param);
  r->outs = 48;
  normals(&rng, r->stored, 48, 1);
  normals(&rng, r->dout, 48, 1);
  CHECK(hfy_block_forward(&block, r->param, &r->in, NULL, before, r->tape, NULL, &r->work) == HFY_OK);
  r->grad.params = r->d_param;
  r->grad.stored = r->d_stored;
  for (bytes = 1; bytes < 100000; bytes *= 2) {
    hfy_work small;
    memset(&small, 0, sizeof small);
    room = malloc(bytes);
    small.buffer = room;
    small.capacity = bytes;
    fill(r->out, 48, 7);
    if (hfy_block_forward(&block, r->param, &r->in, NULL, r->out, r->tape, NULL, &small) == HFY_ERR_NOMEM)
      CHECK(all_are(r->out, 48, 7));
    else
      CHECK(same_bits(r->out, before, 48 * sizeof *before));
    if (hfy_block_backward(&block, r->param, &r->in, NULL, r->tape, r->dout, &r->grad, &small) == HFY_ERR_NOMEM)
      CHECK(all_are(r->d_stored, 48, 0) && all_are(r->d_param, r->params, 0));
    free(room);
  }
  memset(r->d_param, 0, sizeof r->d_param);
  memset(r->d_stored, 0, sizeof r->d_stored);
  r->stored[5] = not_a_number();
  CHECK_FAILS(hfy_block_forward(&block, r->param, &r->in, NULL, r->out, r->tape, NULL, &r->work), HFY_ERR_NONFINITE,
              &r->work, "row 1");
  CHECK(all_are(r->out + 4, 4, 0));
  near_all(r->out, before, 4, 40 * REAL_EPS);
  near_all(r->out + 8, before + 8, 40, 40 * REAL_EPS);
  CHECK(hfy_block_backward(&block, r->param, &r->in, NULL, r->tape, r->dout, &r->grad, &r->work) == HFY_OK);
  for (i = 0; i < r->params; i++) CHECK(fabs((double)r->d_param[i]) < 1e6);
  for (i = 0; i < 48; i++) CHECK(fabs((double)r->d_stored[i]) < 1e6);
  CHECK(all_are(r->d_stored + 4, 4, 0));
}

/* Rows that leave hfy_real in a block's dense layer (kind LINEAR: in the norm before it), one upwards, one downwards:
   what has no answer adds nothing, what act makes finite has one, and gradients of all are finite. */
TEST(blocks_whose_rows_leave_reals) {
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(29);
  hfy_block block;
  size_t i;
  int kind;
  for (kind = HFY_DENSE_LINEAR; kind <= HFY_DENSE_TANH; kind++) {
    ragged(r, 0);
    memset(&block, 0, sizeof block);
    block.self.width = 4, block.inner = 2, block.kind = (hfy_dense_kind)kind;
    CHECK(hfy_block_params(&block, NULL, 0, r->table, ENTRIES, &r->entries, &r->params, &r->work) == HFY_OK);
    CHECK(hfy_block_tape(&block, &r->in, NULL, &r->in.tape_reals, &r->work) == HFY_OK);
    draw_params(r->table, r->entries, &rng, r->param);
    for (i = 0; i < r->entries; i++) {
      hfy_real *w = r->param + r->table[i].offset;
      if (strstr(r->table[i].name, "linear_residual.weight"))
        w[0] = (hfy_real)(kind ? REAL_MAX : 1e-30), w[1] = w[2] = w[3] = 0;
      if (strstr(r->table[i].name, "norm_residual.weight")) fill(w, 4, 1), w[0] = (hfy_real)(kind ? 1 : REAL_MAX);
      if (strstr(r->table[i].name, "norm_residual.bias")) fill(w, 4, 0);
    }
    for (i = 0; i < 48; i++) r->stored[i] = (hfy_real)(i % 4 ? 0 : i % 8 ? 40 : -40); /* h far beyond 1 or -1 */
    for (i = 0; !kind && i < 48; i += 8) r->stored[i] = 0, r->stored[i + 1] = 40; /* or between */
    normals(&rng, r->dout, 48, 1);
    r->grad.params = r->d_param, r->grad.stored = r->d_stored;
    CHECK(hfy_block_forward(&block, r->param, &r->in, NULL, r->out, r->tape, NULL, &r->work) ==
          (kind == HFY_DENSE_TANH ? HFY_OK : HFY_ERR_NONFINITE));
    for (i = kind || sizeof(hfy_real) == 4 ? 0 : 12; i < 12; i++) /* norms in double: see hfy_layer_row_ */
      CHECK((all_are(r->out + 4 * i, 4, 0) != 0) == (kind != HFY_DENSE_TANH && i % 2 == 1));
    CHECK(hfy_block_backward(&block, r->param, &r->in, NULL, r->tape, r->dout, &r->grad, &r->work) == HFY_OK);
    for (i = 0; i < r->params; i++) CHECK(fabs((double)r->d_param[i]) < 1e9);
    for (i = 0; i < 48; i++) CHECK(fabs((double)r->d_stored[i]) < 1e9);
  }
  for (kind = 0; kind < 3; kind++) { /* and in a layer's norm: a state; a hidden stored row; CONNECTED: in W_K of one */
    static const char *const norms[] = {"norm_state_pattern.weight", "norm_stored_pattern.weight",
                                        "norm_pattern_projection.weight"};
    static unsigned char first[12] = {1};
    ragged(r, 1);
    if (kind) r->in.padding = first;
    if (kind == 2) r->layer.flags = HFY_LAYER_CONNECTED;
    draw(r, &rng);
    for (i = 0; i < r->entries; i++) {
      hfy_real *w = r->param + r->table[i].offset;
      const int weight = strstr(r->table[i].name, "proj_weight") != NULL && !strstr(r->table[i].name, "v_proj");
      size_t d;
      for (d = 0; weight && d < r->table[i].count; d += 4)
        w[d] = (hfy_real)(kind == 2 && d == 0 && strstr(r->table[i].name, "k_proj") ? 4 : 0);
      if (strstr(r->table[i].name, norms[kind])) w[0] = (hfy_real)(kind == 2 ? REAL_MAX / 4 : REAL_MAX);
    }
    for (i = 0; i < 48; i++) r->state[i] = r->stored[i] = (hfy_real)(i < 4 ? i == 0 : i % 4 == 1 ? 1 : i % 4 == 2 ? -1 : 0);
    r->grad.params = r->d_param, r->grad.stored = r->d_stored, r->grad.state = r->d_state;
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, NULL, &r->work) ==
          (kind ? HFY_OK : HFY_ERR_NONFINITE));
    CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work) == HFY_OK);
    CHECK(!all_are(r->out + 4, r->outs - 4, 0) && !all_are(r->d_param, r->params, 0));
    for (i = 0; i < r->params; i++) CHECK(fabs((double)r->d_param[i]) <= REAL_MAX);
  }
}

/* Rows whose gradient leaves hfy_real in a norm (all alike with an eps that is next to nothing; slopes near the largest
   number): NONFINITE; nothing comes before the norm, and all else is as ever. */
TEST(norms_beyond_reals) {
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(27);
  hfy_block block;
  size_t i, way;
  for (way = 0; way < 4; way++) { /* in the association space, of states, of stored rows; with a sound eps */
    ragged(r, 1);
    r->layer.norm_space = way == 0;
    r->layer.norm_state = way == 1 ? HFY_LAYER_AFFINE : HFY_LAYER_PLAIN;
    r->layer.norm_stored = way == 2 ? HFY_LAYER_AFFINE : HFY_LAYER_PLAIN;
    r->layer.norm_eps = way == 3 ? 1e-2 : sizeof(hfy_real) == 8 ? 1e-320 : 1e-300;
    draw(r, &rng);
    for (i = 0; way && i < r->stored_reals; i++)
      r->stored[i] = r->state[i] = (hfy_real)(i / 4); /* each row one number */
    for (i = 0; !way && i < r->stored_reals; i++) r->state[i] = 0; /* q = its bias */
    for (i = 0; !way && i < r->entries; i++)
      if (strstr(r->table[i].name, "in_proj_bias")) fill(r->param + r->table[i].offset, r->table[i].count, 0);
    for (i = 0; sizeof(hfy_real) == 8 && i < r->outs; i++) r->dout[i] *= (hfy_real)1e200;
    r->grad.params = r->d_param, r->grad.stored = r->d_stored;
    r->grad.state = r->d_state;
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, NULL, &r->work) == HFY_OK);
    if (way < 3)
      CHECK_FAILS(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work),
                  HFY_ERR_NONFINITE, &r->work, "norm_eps is ");
    else
      CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work) == HFY_OK);
    for (i = 0; i < r->params; i++) CHECK(fabs((double)r->d_param[i]) <= REAL_MAX);
    for (i = 0; i < r->stored_reals; i++) CHECK(fabs((double)r->d_stored[i]) <= REAL_MAX);
    for (i = 0; i < r->state_reals; i++) CHECK(fabs((double)r->d_state[i]) <= REAL_MAX);
    CHECK(!all_are(r->d_param, r->params, 0));
    if (!way) continue;
    r->grad.params = r->d_param + REALS / 2, r->grad.stored = r->grad.state = NULL; /* nobody asks for what leaves it */
    CHECK(2 * r->params < REALS);
    CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work) == HFY_OK);
    CHECK(same_bits(r->d_param, r->d_param + REALS / 2, r->params * sizeof *r->param));
  }
  ragged(r, 0);
  memset(&block, 0, sizeof block);
  block.self.width = 4, block.self.heads = 2, block.inner = 6;
  CHECK(hfy_block_params(&block, NULL, 0, r->table, ENTRIES, &r->entries, &r->params, &r->work) == HFY_OK);
  CHECK(hfy_block_tape(&block, &r->in, NULL, &r->in.tape_reals, &r->work) == HFY_OK);
  draw_params(r->table, r->entries, &rng, r->param);
  for (i = 0; i < r->entries; i++)
    if (strstr(r->table[i].name, "norm_output.weight")) fill(r->param + r->table[i].offset, r->table[i].count, 16);
  normals(&rng, r->stored, 48, 1), normals(&rng, r->dout, 48, 1);
  for (i = 0; i < 4; i++) r->dout[8 + i] = (hfy_real)(i % 2 ? REAL_MAX / 2 : -REAL_MAX / 2);
  r->grad.params = r->d_param, r->grad.stored = r->d_stored;
  CHECK(hfy_block_forward(&block, r->param, &r->in, NULL, r->out, r->tape, NULL, &r->work) == HFY_OK);
  CHECK_FAILS(hfy_block_backward(&block, r->param, &r->in, NULL, r->tape, r->dout, &r->grad, &r->work),
              HFY_ERR_NONFINITE, &r->work, "in a norm");
  for (i = 0; i < r->params; i++) CHECK(fabs((double)r->d_param[i]) <= REAL_MAX);
  for (i = 0; i < 48; i++) CHECK(fabs((double)r->d_stored[i]) < 1e6);
}

/* --- dense layers, blocks, the optimiser --- */

TEST(dense_layers) {
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(14);
  int kind;
  for (kind = HFY_DENSE_LINEAR; kind <= HFY_DENSE_TANH; kind++) {
    hfy_dense dense = {3, 2, HFY_DENSE_LINEAR, 0};
    hfy_param table[2];
    size_t entries = 0, end = 0, i, d;
    hfy_real *to[2], x[12], y[8], dy[8], dx[12], dw[8];
    double slope = 0, up = 0, down = 0, way[20];
    const double step = sizeof(hfy_real) == 4 ? 4e-3 : 1e-5;
    dense.kind = (hfy_dense_kind)kind;
    CHECK(hfy_dense_params(&dense, "fc.", 5, table, 2, &entries, &end, &r->work) == HFY_OK);
    CHECK(entries == 2 && end == 5 + 8 && table[0].offset == 5 && table[1].offset == 11);
    CHECK(!strcmp(table[0].name, "fc.weight") && table[0].start == HFY_PARAM_DENSE && table[0].shape[0] == 2);
    CHECK(!strcmp(table[1].name, "fc.bias") && table[1].start == HFY_PARAM_UNIFORM);
    CHECK_NEAR(table[1].spread, 1 / sqrt(3.0), 1e-15);
    normals(&rng, r->param, 8, 1);
    normals(&rng, x, 12, 1);
    normals(&rng, dy, 8, 1);
    memset(dx, 0, sizeof dx);
    memset(dw, 0, sizeof dw);
    to[0] = dx;
    to[1] = dw;
    CHECK(hfy_dense_forward(&dense, r->param, x, 4, y, &r->work) == HFY_OK);
    for (i = 0; i < 8; i++) { /* by its definition */
      double z = (double)r->param[6 + i % 2], want;
      for (d = 0; d < 3; d++) z += (double)r->param[i % 2 * 3 + d] * (double)x[i / 2 * 3 + d];
      want = kind == HFY_DENSE_RELU   ? (z > 0 ? z : 0)
             : kind == HFY_DENSE_SELU ? 1.0507009873554805 * (z > 0 ? z : 1.6732632423543772 * (exp(z) - 1))
             : kind == HFY_DENSE_GELU ? 0.5 * z * (1 + erf(z / sqrt(2.0)))
             : kind == HFY_DENSE_TANH ? tanh(z)
                                      : z;
      CHECK_NEAR(y[i], want, 16 * REAL_EPS);
    }
    CHECK(hfy_dense_backward(&dense, r->param, x, y, dy, 4, to, &r->work) == HFY_OK);
    for (i = 0; i < 20; i++) {
      way[i] = hfy_rng_normal(&rng);
      slope += way[i] * (double)(i < 12 ? dx[i] : dw[i - 12]);
    }
    for (i = 0; i < 20; i++) *(i < 12 ? x + i : r->param + i - 12) += (hfy_real)(step * way[i]);
    CHECK(hfy_dense_forward(&dense, r->param, x, 4, y, &r->work) == HFY_OK);
    for (i = 0; i < 8; i++) up += (double)y[i] * (double)dy[i];
    for (i = 0; i < 20; i++) *(i < 12 ? x + i : r->param + i - 12) -= (hfy_real)(2 * step * way[i]);
    CHECK(hfy_dense_forward(&dense, r->param, x, 4, y, &r->work) == HFY_OK);
    for (i = 0; i < 8; i++) down += (double)y[i] * (double)dy[i];
    CHECK_NEAR((up - down) / (2 * step), slope, sizeof(hfy_real) == 4 ? 2e-2 : 1e-7);
    { /* without a bias it is one of zeros; a gradient alone is what it is beside the other */
      hfy_real plain[8], ds[12], dws[8];
      fill(r->param + 6, 2, 0), fill(dx, 12, 0), fill(dw, 8, 0), fill(ds, 12, 0), fill(dws, 8, 0);
      CHECK(hfy_dense_forward(&dense, r->param, x, 4, y, &r->work) == HFY_OK);
      CHECK(hfy_dense_backward(&dense, r->param, x, y, dy, 4, to, &r->work) == HFY_OK);
      dense.no_bias = 1, to[0] = ds, to[1] = NULL, fill(r->param + 6, 2, 5);
      CHECK(hfy_dense_params(&dense, "fc.", 5, table, 2, &entries, &end, &r->work) == HFY_OK && entries == 1 && end == 11);
      CHECK(hfy_dense_forward(&dense, r->param, x, 4, plain, &r->work) == HFY_OK);
      near_all(plain, y, 8, 4 * REAL_EPS);
      CHECK(hfy_dense_backward(&dense, r->param, x, y, dy, 4, to, &r->work) == HFY_OK);
      to[0] = NULL, to[1] = dws;
      CHECK(hfy_dense_backward(&dense, r->param, x, y, dy, 4, to, &r->work) == HFY_OK);
      CHECK(same_bits(ds, dx, sizeof dx) && same_bits(dws, dw, 6 * sizeof *dw) && all_are(dws + 6, 2, 0));
    }
  }
  for (kind = HFY_DENSE_RELU; kind <= HFY_DENSE_TANH; kind++) { /* far out, and where products leave hfy_real */
    const double ends[] = {0, 0, 0, -1.0507009873554805 * 1.6732632423543772, 0, -1};
    const hfy_dense dense = {1, 1, (hfy_dense_kind)kind, 1};
    hfy_real w[2] = {1, (hfy_real)REAL_MAX}, x[3] = {-60, -1000, -2}, y, one = 1, d[2];
    hfy_real *const to[2] = {d, d + 1};
    int i;
    for (i = 0; i < 3; i++) {
      d[0] = d[1] = 0;
      CHECK(hfy_dense_forward(&dense, w + i / 2, x + i, 1, &y, &r->work) == HFY_OK);
      CHECK(fabs((double)y - ends[kind + 1]) <= REAL_EPS);
      CHECK(hfy_dense_backward(&dense, w + i / 2, x + i, &y, &one, 1, to, &r->work) == HFY_OK);
      CHECK(all_are(d, 2, 0));
    }
    x[2] = 2, d[0] = d[1] = 0;
    CHECK(hfy_dense_forward(&dense, w + 1, x + 2, 1, &y, &r->work) == HFY_OK);
    CHECK(hfy_dense_backward(&dense, w + 1, x + 2, &y, &one, 1, to, &r->work) == HFY_OK);
    CHECK_NEAR(d[1], kind == HFY_DENSE_TANH ? 0 : kind == HFY_DENSE_SELU ? 2 * 1.0507009873554805 : 2, 4 * REAL_EPS);
  }
  {
    hfy_dense bad = {0, 2, HFY_DENSE_LINEAR, 0};
    CHECK_FAILS(hfy_dense_forward(&bad, r->param, r->param, 1, r->out, &r->work), HFY_ERR_ARG, &r->work, "in");
    bad.in = 2;
    bad.kind = (hfy_dense_kind)7;
    CHECK_FAILS(hfy_dense_params(&bad, NULL, 0, NULL, 0, NULL, NULL, &r->work), HFY_ERR_ARG, &r->work, "kind is 7");
  }
}

/* What a decoder tells is what its layers tell; training without dropout is none; a gradient alone is what it is among
   others. */
TEST(blocks_in_parts) {
  static hfy_real weights[2][200], out[2][48], d_params[2][REALS], d_memory[2][64];
  const hfy_layer_report report[2] = {{NULL, NULL, NULL, weights[0], NULL, NULL, NULL},
                                      {NULL, NULL, NULL, weights[1], NULL, NULL, NULL}};
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(22);
  hfy_layer_input memory;
  hfy_block block;
  size_t i, k;
  ragged(r, 0);
  memset(&block, 0, sizeof block), memset(&memory, 0, sizeof memory);
  memset(d_params, 0, sizeof d_params), memset(d_memory, 0, sizeof d_memory);
  block.self.width = block.cross.width = 4, block.inner = 5;
  block.cross.stored_width = block.cross.projected_width = 3;
  memory.bags = 3, memory.stored_each = 2, memory.stored = r->state;
  CHECK(hfy_block_params(&block, NULL, 0, r->table, ENTRIES, &r->entries, &r->params, &r->work) == HFY_OK);
  CHECK(hfy_block_tape(&block, &r->in, &memory, &r->in.tape_reals, &r->work) == HFY_OK);
  draw_params(r->table, r->entries, &rng, r->param);
  normals(&rng, r->stored, 48, 1);
  normals(&rng, r->state, 18, 1);
  normals(&rng, r->dout, 48, 1);
  for (i = 0; i < 4; i++) {
    r->in.training = i > 0;
    r->grad.params = i == 1 || i == 3 ? d_params[i / 2] : NULL;
    r->grad.stored = i == 2 || i == 3 ? r->d_stored + 100 * (i - 2) : NULL;
    r->grad.projected = i ? d_memory[i / 3] : NULL;
    if (i == 2) memset(d_memory[0], 0, sizeof d_memory[0]);
    CHECK(hfy_block_forward(&block, r->param, &r->in, &memory, out[i > 0], r->tape, i ? NULL : report, &r->work) ==
          HFY_OK);
    CHECK(hfy_block_backward(&block, r->param, &r->in, &memory, r->tape, r->dout, &r->grad, &r->work) == HFY_OK);
  }
  near_all(out[1], out[0], 48, 40 * REAL_EPS);
  r->in.training = 0;
  CHECK(hfy_block_forward(&block, r->param, &r->in, &memory, out[0], r->tape, NULL, &r->work) == HFY_OK);
  CHECK(same_bits(out[1], out[0], sizeof *out));
  CHECK(same_bits(d_params[0], d_params[1], r->params * sizeof **d_params) && !all_are(d_params[1], r->params, 0));
  CHECK(same_bits(r->d_stored, r->d_stored + 100, 48 * sizeof *r->d_stored) && !all_are(r->d_stored, 48, 0));
  CHECK(same_bits(d_memory[0], d_memory[1], 18 * sizeof **d_memory) && !all_are(d_memory[1], 18, 0));
  CHECK(hfy_layer_forward(&block.self, r->param, &r->in, r->out, NULL, NULL, &r->work) == HFY_OK);
  for (i = 0; i < 12; i++) { /* whom the rows of the memory are for: all weight is theirs */
    double sum = 0;
    for (k = 0; k < 2; k++) sum += (double)weights[1][2 * i + k];
    CHECK_NEAR(sum, 1, 8 * REAL_EPS);
  }
  {
    static hfy_real alone[200];
    const hfy_layer_report self = {NULL, NULL, NULL, alone, NULL, NULL, NULL};
    CHECK(hfy_layer_forward(&block.self, r->param, &r->in, r->out, NULL, &self, &r->work) == HFY_OK);
    CHECK(same_bits(alone, weights[0], sizeof alone) && !all_are(alone, 12, 0));
  }
}

/* Every part of a block against differences, with dropout, each activation, encoder and decoder. */
#ifdef HFY_DOUBLE
static double weigh_block(rig *r, const hfy_block *block, const hfy_layer_input *memory) {
  double sum = 0;
  size_t i;
  CHECK(hfy_block_forward(block, r->param, &r->in, memory, r->out, r->tape, NULL, &r->work) == HFY_OK);
  for (i = 0; i < r->outs; i++) sum += r->out[i] * r->dout[i];
  return sum;
}

TEST(blocks) {
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(15);
  int i;
  for (i = 0; i < 20; i++) {
    const int decoder = i & 1;
    static hfy_real d_memory[64];
    hfy_real *const x[3] = {r->param, r->stored, r->state};
    hfy_real *const d[3] = {r->d_param, r->d_stored, d_memory};
    hfy_block block;
    hfy_layer_input memory;
    size_t counts[3], part, k;
    ragged(r, 0);
    memset(&block, 0, sizeof block);
    memset(&memory, 0, sizeof memory);
    memset(d_memory, 0, sizeof d_memory);
    block.self.width = 4;
    block.self.heads = 2;
    block.inner = 6;
    block.kind = (hfy_dense_kind)(i / 2 % 5);
    block.dropout = i >= 10 ? 0.3 : 0;
    block.self.dropout = block.dropout;
    r->in.training = i >= 10;
    r->in.seed = (uint64_t)i;
    if (decoder) {
      block.cross.width = 4;
      block.cross.stored_width = block.cross.projected_width = 3;
      block.cross.heads = 2;
    }
    memory.bags = 3;
    memory.stored_each = 2;
    memory.stored = r->state;
    CHECK(hfy_block_params(&block, NULL, 0, r->table, ENTRIES, &r->entries, &r->params, &r->work) == HFY_OK);
    CHECK(hfy_block_tape(&block, &r->in, decoder ? &memory : NULL, &r->in.tape_reals, &r->work) == HFY_OK);
    draw_params(r->table, r->entries, &rng, r->param);
    r->outs = 12 * 4;
    normals(&rng, r->stored, r->outs, 1);
    normals(&rng, r->state, 18, 1);
    normals(&rng, r->dout, r->outs, 1);
    weigh_block(r, &block, decoder ? &memory : NULL);
    r->grad.params = r->d_param;
    r->grad.stored = r->d_stored;
    r->grad.projected = decoder ? d_memory : NULL;
    CHECK(hfy_block_backward(&block, r->param, &r->in, decoder ? &memory : NULL, r->tape, r->dout, &r->grad, &r->work) ==
          HFY_OK);
    counts[0] = r->params;
    counts[1] = r->outs;
    counts[2] = decoder ? 18 : 0;
    for (part = 0; part < 3; part++) {
      double way[REALS], slope = 0, up, down, size = 1;
      const double step = 1e-6;
      for (k = 0; k < counts[part]; k++) {
        way[k] = hfy_rng_normal(&rng);
        slope += way[k] * d[part][k];
        size += fabs(way[k] * d[part][k]);
      }
      for (k = 0; k < counts[part]; k++) x[part][k] += step * way[k];
      up = weigh_block(r, &block, decoder ? &memory : NULL);
      for (k = 0; k < counts[part]; k++) x[part][k] -= 2 * step * way[k];
      down = weigh_block(r, &block, decoder ? &memory : NULL);
      for (k = 0; k < counts[part]; k++) x[part][k] += step * way[k];
      if (!CHECK(fabs((up - down) / (2 * step) - slope) < 1e-6 * size))
        printf("    block %d, part %u: %.10g, want %.10g\n", i, (unsigned)part, slope, (up - down) / (2 * step));
    }
  }
}
#endif

/* AdamW by its definition, clipped; plain descent; what is frozen stays. */
TEST(optimisers) {
  hfy_rng rng = hfy_rng_seed(16);
  hfy_param table[2];
  hfy_optimiser how;
  hfy_work work;
  hfy_real p[6], g[6], moments[12];
  double want[6], m[6] = {0}, v[6] = {0}, norm = 0;
  int step, i;
  memset(&work, 0, sizeof work);
  memset(&how, 0, sizeof how);
  memset(table, 0, sizeof table);
  memset(moments, 0, sizeof moments);
  table[0].count = 4;
  table[1].offset = 4;
  table[1].count = 2;
  table[1].frozen = 1;
  normals(&rng, p, 6, 1);
  for (i = 0; i < 6; i++) want[i] = (double)p[i];
  how.rate = 0.01;
  how.decay = 0.1;
  how.clip = 1;
  for (step = 1; step <= 20; step++) {
    double square = 0, scale;
    normals(&rng, g, 6, 1);
    for (i = 0; i < 4; i++) square += (double)g[i] * (double)g[i];
    scale = sqrt(square) > 1 ? 1 / (sqrt(square) + 1e-6) : 1;
    for (i = 0; i < 4; i++) {
      const double gi = scale * (double)g[i];
      m[i] = 0.9 * m[i] + 0.1 * gi;
      v[i] = 0.999 * v[i] + 0.001 * gi * gi;
      want[i] -= 0.01 * 0.1 * want[i];
      want[i] -= 0.01 * (m[i] / (1 - pow(0.9, step))) / (sqrt(v[i] / (1 - pow(0.999, step))) + 1e-8);
    }
    CHECK(hfy_optimiser_step(&how, table, 2, p, g, moments, &norm, &work) == HFY_OK);
    CHECK_NEAR(norm, sqrt(square), 1e-12);
    CHECK(how.steps == (uint64_t)step);
    for (i = 0; i < 6; i++) CHECK_NEAR(p[i], want[i], 40 * REAL_EPS);
  }
  g[1] = not_a_number();
  CHECK_FAILS(hfy_optimiser_step(&how, table, 2, p, g, moments, &norm, &work), HFY_ERR_NONFINITE, &work, "nan");
  CHECK(how.steps == 20);
  how.sgd = 1;
  how.clip = 0;
  for (i = 0; i < 4; i++) {
    g[i] = (hfy_real)i;
    want[i] = (double)p[i] - 0.01 * (i + 0.1 * (double)p[i]);
  }
  CHECK(hfy_optimiser_step(&how, table, 2, p, g, NULL, NULL, &work) == HFY_OK);
  for (i = 0; i < 6; i++) CHECK_NEAR(p[i], want[i], 2 * REAL_EPS);
  how.beta1 = 1;
  CHECK_FAILS(hfy_optimiser_step(&how, table, 2, p, g, NULL, NULL, &work), HFY_ERR_ARG, &work, "how->beta1 is 1");
  how.beta1 = 0, how.rate = -1;
  CHECK_FAILS(hfy_optimiser_step(&how, table, 2, p, g, NULL, NULL, &work), HFY_ERR_ARG, &work, "how->rate is -1");
  how.rate = 0, how.eps = HUGE_VAL;
  CHECK_FAILS(hfy_optimiser_step(&how, table, 2, p, g, NULL, NULL, &work), HFY_ERR_ARG, &work, "how->eps is inf");
  /* every number of one's own, entries in any order */
  memset(&how, 0, sizeof how), memset(moments, 0, sizeof moments);
  how.rate = 0.1, how.beta1 = 0.5, how.beta2 = 0.75, how.eps = 0.125;
  table[0].offset = 2, table[1].offset = 0, table[1].frozen = 0;
  memset(m, 0, sizeof m), memset(v, 0, sizeof v);
  for (step = 1; step < 3; step++) {
    for (i = 0; i < 6; i++) {
      const int gi = step * (i - 3) + 1;
      g[i] = (hfy_real)gi;
      m[i] = 0.5 * (m[i] + gi);
      v[i] = 0.75 * v[i] + 0.25 * gi * gi;
      want[i] = (double)p[i] - 0.1 * m[i] / (step > 1 ? 0.75 : 0.5) / (sqrt(v[i] / (step > 1 ? 0.4375 : 0.25)) + 0.125);
    }
    CHECK(hfy_optimiser_step(&how, table, 2, p, g, moments, NULL, &work) == HFY_OK);
    for (i = 0; i < 6; i++) CHECK_NEAR(p[i], want[i], 8 * REAL_EPS);
  }
  /* squares beyond float; steps beyond hfy_real: all stays finite */
  for (step = 0; step < 3; step++) {
    memset(&how, 0, sizeof how), memset(moments, 0, sizeof moments);
    how.rate = step ? 1e308 : 0.1, how.decay = 1e10, how.sgd = step == 2;
    for (i = 0; i < 6; i++) p[i] = (hfy_real)(i % 2), g[i] = (hfy_real)(i < 4 ? 1e30 * i : 0);
    CHECK(hfy_optimiser_step(&how, table, 2, p, g, moments, NULL, &work) == HFY_OK);
    for (i = 0; i < 12; i++) CHECK(fabs((double)moments[i]) <= REAL_MAX && fabs((double)p[i % 6]) <= REAL_MAX);
  }
  /* after a gradient whose square hfy_real does not hold, steps are as after a smaller one; and a norm of such */
  for (step = 0; step < 3; step++) {
    static const double most[2][2] = {{1e30, 1e-30}, {1e200, 1e-200}};
    const double size = step ? most[sizeof(hfy_real) == 8][step - 1] : 1e6;
    memset(&how, 0, sizeof how), memset(moments, 0, sizeof moments);
    how.eps = 1e-300;
    for (i = 0; i < 6; i++) p[i] = 1, g[i] = (hfy_real)(i == 5 ? -size : i ? 0 : size);
    CHECK(hfy_optimiser_step(&how, table, 2, p, g, moments, &norm, &work) == HFY_OK);
    CHECK_NEAR(norm / size, sqrt(2.0), 4 * REAL_EPS);
    if (step == 2) continue;
    CHECK(fabs((double)p[0] - 0.999) < 2 * REAL_EPS && fabs((double)p[5] - 1.001) < 2 * REAL_EPS);
    g[0] = g[5] = 0;
    CHECK(hfy_optimiser_step(&how, table, 2, p, g, moments, NULL, &work) == HFY_OK);
    CHECK(fabs((double)p[0] - 0.99833) < 1e-5 && fabs((double)p[5] - 1.00167) < 1e-5);
  }
  for (step = 0; step < 3; step++) { /* the count of steps ends: it does not begin again */
    how.steps = UINT64_MAX - (step ? 0 : 1), p[0] = 1, g[0] = moments[0] = moments[6] = 1, g[5] = 0;
    CHECK(hfy_optimiser_step(&how, table, 2, p, g, moments, NULL, &work) == HFY_OK);
    CHECK(how.steps == UINT64_MAX && fabs((double)p[0] - 0.999) < 2 * REAL_EPS);
  }
}

/* Ten steps of AdamW at rate 0.01, decay 0.1, clipped at 0.25: HopfieldPooling (2 heads, 1 extra step) and Linear on 6
   bags, labels 0 1 0 1 0 1, binary cross-entropy. Losses and norms before the cut: PyTorch 1.13's, in double, from the
   public layer's steps. Draws as in layers.h, seed 117: both tables, then the bags. */
TEST(ten_steps) {
  static const double losses[] = {
     0.727365752305965, 0.706937247727713, 0.68933355894174, 0.673801669568229, 0.659741517957751, 0.646487007528867,
    0.633411882577962, 0.620255572671603, 0.607154108324644, 0.594406215623971};
  static const double norms[] = {
     0.287792808575577, 0.254029788619869, 0.236848257239235, 0.235496488950737, 0.245584911789629, 0.261329529341354,
    0.276328638843472, 0.285333920059383, 0.286463030903385, 0.281727087864974};
#ifdef HFY_DOUBLE
  const double tol = 1e-9;
#else
  const double tol = 1e-4;
#endif
  enum { BAGS = 6 };
  static hfy_real moments[2 * REALS];
  hfy_real z[BAGS], dz[BAGS];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(117);
  hfy_optimiser how;
  hfy_dense dense;
  size_t end, i;
  int step;
  clear(r);
  memset(&how, 0, sizeof how);
  memset(&dense, 0, sizeof dense);
  memset(moments, 0, sizeof moments);
  how.rate = 0.01;
  how.decay = 0.1;
  how.clip = 0.25;
  r->layer.width = 4;
  r->layer.heads = 2;
  r->layer.queries = r->layer.extra_steps = 1;
  r->in.bags = BAGS;
  r->in.stored_each = 5;
  r->in.stored = r->stored;
  rig_sizes(r);
  end = r->params;
  dense.in = 4;
  dense.out = 1;
  CHECK(hfy_dense_params(&dense, "out.", end, r->table + r->entries, 2, &i, &r->params, &r->work) == HFY_OK);
  r->entries += i;
  draw_params(r->table, r->entries, &rng, r->param);
  normals(&rng, r->stored, r->stored_reals, 1);
  for (step = 0; step < 10 && !check_errors; step++) {
    hfy_real *const to[2] = {r->dout, r->d_param + end};
    double loss = 0, norm = 0;
    memset(r->d_param, 0, sizeof r->d_param);
    memset(r->dout, 0, sizeof r->dout);
    r->grad.params = r->d_param;
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, NULL, &r->work) == HFY_OK);
    CHECK(hfy_dense_forward(&dense, r->param + end, r->out, BAGS, z, &r->work) == HFY_OK);
    for (i = 0; i < BAGS; i++) {
      const double y = (double)(i % 2), x = (double)z[i];
      loss += (log1p(exp(x)) - y * x) / BAGS;
      dz[i] = (hfy_real)((1 / (1 + exp(-x)) - y) / BAGS);
    }
    CHECK_NEAR(loss, losses[step], tol);
    CHECK(hfy_dense_backward(&dense, r->param + end, r->out, z, dz, BAGS, to, &r->work) == HFY_OK);
    CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work) == HFY_OK);
    CHECK(hfy_optimiser_step(&how, r->table, r->entries, r->param, r->d_param, moments, &norm, &r->work) == HFY_OK);
    CHECK_NEAR(norm, norms[step], tol);
  }
}

/* --- what is told, what goes wrong --- */

TEST(reports) {
  static hfy_real q[REALS], k[REALS], v[REALS], weights[REALS], out[REALS];
  static double energy[REALS];
  static size_t steps[REALS];
  static hfy_status status[REALS];
  const hfy_layer_report all = {q, k, v, weights, energy, steps, status};
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(17);
  int i;
  for (i = 0; i < 4; i++) { /* softmax of q k over what is told gives out of v */
    size_t b, row = 0, stored = 0, at = 0, j, h, d, s;
    const size_t extra = i & 1 ? 1 : 0;
    ragged(r, 3);
    r->layer.flags = HFY_LAYER_NO_OUT | (extra ? HFY_LAYER_ZERO : 0);
    if (i >= 2) r->layer.norm_space = 1;
    draw(r, &rng);
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, out, NULL, &all, &r->work) == HFY_OK);
    for (b = 0; b < 3; b++) {
      const size_t rows = rows_of_bags[b], many = stored_of_bags[b];
      for (h = 0; h < 2; h++)
        for (j = 0; j < rows; j++, at += many + extra) {
          double sum = extra ? 1 : 0, said[2] = {0, 0}, squares = 0;
          for (s = 0; s < many; s++) {
            double dot = 0;
            for (d = 0; d < 2; d++)
              dot += (double)q[(row + j) * 4 + h * 2 + d] * (double)k[(stored + s) * 4 + h * 2 + d];
            sum += exp(dot / sqrt(2.0));
          }
          for (d = 0; d < 2; d++) squares += pow((double)q[(row + j) * 4 + h * 2 + d], 2);
          CHECK_NEAR(energy[(row + j) * 2 + h], -log(sum) * sqrt(2.0) + squares / 2, 60 * REAL_EPS);
          for (s = 0; s < many + extra; s++) {
            double dot = 0;
            for (d = 0; d < 2 && s < many; d++)
              dot += (double)q[(row + j) * 4 + h * 2 + d] * (double)k[(stored + s) * 4 + h * 2 + d];
            CHECK_NEAR(weights[at + s], exp(dot / sqrt(2.0)) / sum, 20 * REAL_EPS);
            for (d = 0; d < 2 && s < many; d++)
              said[d] += (double)weights[at + s] * (double)v[(stored + s) * 4 + h * 2 + d];
          }
          for (d = 0; d < 2; d++) CHECK_NEAR(out[(row + j) * 4 + h * 2 + d], said[d], 20 * REAL_EPS);
          CHECK(steps[(row + j) * 2 + h] == 1 && status[row + j] == HFY_OK);
        }
      row += rows;
      stored += many;
    }
    if (check_errors) break;
  }
  for (i = 0; i < 2; i++) { /* trained states and memories once, not for each bag */
    const hfy_layer_report some = {i ? NULL : q, i ? k : NULL, i ? v : NULL, NULL, NULL, NULL, NULL};
    ragged(r, i);
    *(i ? &r->layer.memories : &r->layer.queries) = 2;
    draw(r, &rng);
    fill(q, REALS, 7), fill(k, REALS, 7), fill(v, REALS, 7);
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, out, NULL, &some, &r->work) == HFY_OK);
    CHECK(all_are(q + 8 - 8 * i, 16, 7) && all_are(k + 8 * i, 16, 7) && all_are(v + 8 * i, 16, 7));
    CHECK(!all_are(i ? k : q, 1, 7) && (!i || !all_are(v + 7, 1, 7)));
  }
}

TEST(bad_layers) {
  hfy_layer l;
  hfy_work w;
  hfy_param few[2];
  size_t i, n;
  char prefix[80];
  const struct {
    size_t at;
    double value;
    const char *says;
  } bad[] = {{offsetof(hfy_layer, norm_eps), -1, "layer->norm_eps is -1"}, {offsetof(hfy_layer, norm_eps), HUGE_VAL, "norm_eps is inf"},
             {offsetof(hfy_layer, beta), -2, "layer->beta is -2"},         {offsetof(hfy_layer, tol), -1, "layer->tol is -1"},
             {offsetof(hfy_layer, dropout), 1, "layer->dropout is 1"},     {offsetof(hfy_layer, dropout), -0.5, "dropout is -0.5"}};
  memset(&w, 0, sizeof w);
  memset(&l, 0, sizeof l);
  CHECK_FAILS(hfy_layer_check(NULL, NULL, &w), HFY_ERR_ARG, &w, "layer is NULL");
  CHECK_FAILS(hfy_layer_check(&l, NULL, &w), HFY_ERR_ARG, &w, "layer->width is 0");
  l.width = 4;
  for (i = 0; i < COUNT(bad); i++) {
    hfy_layer one = l;
    memcpy((char *)&one + bad[i].at, &bad[i].value, sizeof(double));
    CHECK_FAILS(hfy_layer_check(&one, NULL, &w), HFY_ERR_ARG, &w, bad[i].says);
  }
#define BAD(member, value, says)                                                  \
  do {                                                                            \
    hfy_layer one = l;                                                            \
    one.member = value;                                                           \
    CHECK_FAILS(hfy_layer_check(&one, NULL, &w), HFY_ERR_ARG, &w, says);          \
  } while (0)
  BAD(heads, 3, "heads is 3");
  BAD(extra_steps, SIZE_MAX, "much smaller");
  BAD(flags, 1024, "flags is 1024");
  BAD(flags, HFY_LAYER_OWN_TARGETS, "memories is 0");
  BAD(flags, HFY_LAYER_GAUSSIAN, "positions is 0");
  BAD(flags, HFY_LAYER_LEARN_ALPHA, "sep.kind is 0");
  BAD(norm_space, 3, "norm_space is 3");
  BAD(norm_space, -1, "norm_space is -1");
  BAD(beta, HUGE_VAL, "layer->beta is inf");
  BAD(flags, HFY_LAYER_FROZEN_TARGETS, "memories is 0");
  BAD(flags, HFY_LAYER_LEARN_ALPHA | HFY_LAYER_LEARN_BETA, "sep.kind is 0");
  l.memories = 2;
  BAD(flags, HFY_LAYER_FROZEN_TARGETS, "OWN_TARGETS beside FROZEN_TARGETS");
  l.memories = 0, l.sep.kind = HFY_SEP_ENTMAX, l.flags = HFY_LAYER_LEARN_ALPHA;
  BAD(sep.alpha, 9, "sep.alpha is 9");
  BAD(sep.alpha, 0.5, "sep.alpha is 0.5");
  l.sep.kind = HFY_SEP_SOFTMAX, l.flags = HFY_LAYER_CONNECTED;
  BAD(projected_width, 3, "flags is 4");
  BAD(static_projected, 1, "flags is 4");
  l.flags = HFY_LAYER_GAUSSIAN, l.positions = 3;
  BAD(extra_steps, 1, "extra_steps is 1");
  BAD(implicit, 1, "implicit");
  BAD(queries, 1, "flags is 512");
  BAD(norm_space, 1, "flags is 512");
  BAD(flags, HFY_LAYER_GAUSSIAN | HFY_LAYER_ZERO, "without GAUSSIAN");
  l.flags = 0, l.positions = 0;
  BAD(norm_state, (hfy_layer_norm)3, "norm_state");
  l.queries = 1;
  BAD(memories, 1, "queries is 1");
  l.queries = 0;
  l.static_state = 1;
  BAD(head_width, 3, "width is 4; with static_state it should be head_width, 3");
  l.static_state = 0;
  CHECK_FAILS(hfy_layer_params(&l, NULL, 0, few, 2, NULL, NULL, &w), HFY_ERR_ARG, &w, "capacity is 2; the table has 10");
  memset(prefix, 'p', sizeof prefix);
  prefix[79] = 0;
  CHECK_FAILS(hfy_layer_params(&l, prefix, 0, NULL, 0, NULL, NULL, &w), HFY_ERR_ARG, &w, "prefix has 79 letters");
  l.out_width = SIZE_MAX / 4;
  CHECK_FAILS(hfy_layer_params(&l, NULL, 0, NULL, 0, &n, NULL, &w), HFY_ERR_ARG, &w, "cannot exist");
  hfy_work_free(&w);
}

TEST(bad_input) {
  static hfy_real before[REALS];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(18);
  size_t empty[3] = {2, 0, 1}, i;
  hfy_status status[8];
  hfy_layer_report report;
  hfy_layer_input in;
  ragged(r, 1);
  draw(r, &rng);
  in = r->in;
  fill(r->out, r->outs, 7);
  memcpy(before, r->out, sizeof before);
#define FORWARD hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, NULL, &r->work)
#define BACKWARD hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work)
  CHECK_FAILS(hfy_layer_forward(&r->layer, NULL, &in, r->out, NULL, NULL, &r->work), HFY_ERR_ARG, &r->work, "params");
  CHECK_FAILS(hfy_layer_forward(&r->layer, r->param, NULL, r->out, NULL, NULL, &r->work), HFY_ERR_ARG, &r->work, "in is NULL");
  CHECK_FAILS(hfy_layer_forward(&r->layer, r->param, &in, NULL, NULL, NULL, &r->work), HFY_ERR_ARG, &r->work, "out");
  r->in.stored_rows = empty;
  CHECK_FAILS(FORWARD, HFY_ERR_ARG, &r->work, "bag 1 has no stored rows");
  r->in = in;
  r->in.tape_reals--;
  CHECK_FAILS(FORWARD, HFY_ERR_ARG, &r->work, "the tape needs");
  r->in = in;
  r->in.stored = NULL;
  CHECK_FAILS(FORWARD, HFY_ERR_ARG, &r->work, "in->stored is NULL");
  r->in = in;
  r->in.mask_heads = 5;
  CHECK_FAILS(FORWARD, HFY_ERR_ARG, &r->work, "in->mask_heads is 5");
  r->in = in;
  r->layer.sep.kind = HFY_SEP_KSUBSETS;
  r->layer.sep.k = 9;
  CHECK_FAILS(FORWARD, HFY_ERR_ARG, &r->work, "sep.k");
  memset(&r->layer.sep, 0, sizeof r->layer.sep);
  CHECK(same_bits(before, r->out, sizeof before));
  { /* no room: how much is told, and it does; nothing was written */
    hfy_work small;
    char room[64];
    void *enough;
    memset(&small, 0, sizeof small);
    small.buffer = room;
    small.capacity = sizeof room;
    CHECK(hfy_layer_forward(&r->layer, r->param, &in, r->out, NULL, NULL, &small) == HFY_ERR_NOMEM);
    CHECK(same_bits(before, r->out, sizeof before));
    enough = malloc(small.peak);
    small.capacity = small.peak;
    small.buffer = enough;
    CHECK(hfy_layer_forward(&r->layer, r->param, &in, r->out, NULL, NULL, &small) == HFY_OK);
    free(enough);
  }
  CHECK(FORWARD == HFY_OK);
  memcpy(before, r->out, sizeof before);
  r->grad.params = r->d_param;
  r->grad.projected = r->d_projected;
  CHECK_FAILS(BACKWARD, HFY_ERR_ARG, &r->work, "grad->projected is set");
  r->grad.projected = NULL;
  r->grad.mask = r->d_mask;
  CHECK_FAILS(BACKWARD, HFY_ERR_ARG, &r->work, "grad->mask is set");
  r->grad.mask = NULL;
  r->dout[3] = not_a_number();
  CHECK_FAILS(BACKWARD, HFY_ERR_NONFINITE, &r->work, "dout: row 0");
  r->dout[3] = 1;
  r->tape[0] += 1;
  CHECK_FAILS(BACKWARD, HFY_ERR_ARG, &r->work, "tape is not of");
  r->tape[0] -= 1;
  CHECK(all_are(r->d_param, r->params, 0));
  /* one row with NaN, one that sees nothing: 0 and their status, the others as before */
  memset(&report, 0, sizeof report);
  report.status = status;
  r->state[1] = not_a_number();
  for (i = 0; i < 26; i++) r->mask[i] = i >= 12 && i < 17 ? (hfy_real)-HUGE_VAL : 0;
  r->in.mask = r->mask;
  CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, &report, &r->work) == HFY_ERR_NONFINITE);
  CHECK_CONTAINS(r->work.message, "row 0");
  CHECK(status[0] == HFY_ERR_NONFINITE && status[3] == HFY_ERR_ARG && !status[1] && !status[2] && !status[4]);
  CHECK(all_are(r->out, 4, 0) && all_are(r->out + 12, 4, 0));
  near_all(r->out + 4, before + 4, 8, 20 * REAL_EPS);
  near_all(r->out + 16, before + 16, 8, 20 * REAL_EPS);
  CHECK(BACKWARD == HFY_OK);
  for (i = 0; i < r->params; i++) CHECK(fabs((double)r->d_param[i]) < 1e6);
  /* what is hidden may hold anything */
  r->in.mask = NULL;
  r->in.padding = hidden;
  r->state[1] = 1;
  for (i = 0; i < 4; i++) r->stored[4 + i] = not_a_number();
  memset(r->d_param, 0, sizeof r->d_param);
  CHECK(FORWARD == HFY_OK && BACKWARD == HFY_OK);
  for (i = 0; i < r->params; i++) CHECK(fabs((double)r->d_param[i]) < 1e6);
  r->in.padding = NULL;
  CHECK(FORWARD == HFY_ERR_NONFINITE && BACKWARD == HFY_OK);
  for (i = 0; i < r->params; i++) CHECK(fabs((double)r->d_param[i]) < 1e6);
  for (i = 0; i < 4; i++) r->stored[4 + i] = 1;
  r->param[r->params - 1] = not_a_number(); /* of a norm: no row has an answer */
  CHECK(FORWARD == HFY_ERR_NONFINITE);
  CHECK(all_are(r->out, r->outs, 0));
  memset(r->d_param, 0, sizeof r->d_param), memset(r->d_stored, 0, sizeof r->d_stored);
  r->param[0] = not_a_number(), r->grad.stored = r->d_stored;
  CHECK(BACKWARD == HFY_OK && all_are(r->d_param, r->params, 0)); /* and none has a gradient */
  CHECK(all_are(r->d_stored, r->stored_reals, 0));
  r->dout[0] = not_a_number();
  CHECK_FAILS(BACKWARD, HFY_ERR_NONFINITE, &r->work, "dout: row 0");
  r->dout[0] = 1;
  r->layer.flags = HFY_LAYER_LEARN_BETA;
  rig_sizes(r);
  r->param[r->params - 1] = not_a_number();
  CHECK_FAILS(FORWARD, HFY_ERR_ARG, &r->work, "log_beta");
  hfy_work_free(&r->work);
}

/* A bias begins every row once, and each column with its own, however a product is cut up: whole numbers, exact. */
TEST(wide_biases) {
  enum { in = 600, out = 1200 };
  static hfy_real p[in * out + out], x[2 * in], y[2 * out];
  const hfy_dense dense = {in, out, HFY_DENSE_LINEAR, 0};
  size_t i, j, k, wrong = 0;
  for (i = 0; i < in * out + out; i++) p[i] = (hfy_real)(i % 7) - 3;
  for (i = 0; i < 2 * in; i++) x[i] = (hfy_real)(i % 5) - 2;
  CHECK(hfy_dense_forward(&dense, p, x, 2, y, NULL) == HFY_OK);
  for (i = 0; i < 2; i++)
    for (j = 0; j < out; j++) {
      double sum = (double)p[in * out + j];
      for (k = 0; k < in; k++) sum += (double)x[i * in + k] * (double)p[j * in + k];
      wrong += fabs(sum - (double)y[i * out + j]) > 0;
    }
  CHECK(wrong == 0);
}

/* Gradients of many rows are taken in blocks: each row counts once, beside what was there. Whole numbers, exact. */
TEST(many_rows) {
  enum { in = 3, out = 5, rows = 2 * 256 + 88, own = in * out };
  static hfy_real p[own + out], x[rows * in], y[rows * out], dy[rows * out], dx[rows * in], dp[own + out];
  const hfy_dense dense = {in, out, HFY_DENSE_LINEAR, 0};
  hfy_real *to[2] = {dx, dp};
  size_t i, j, k, set, wrong = 0;
  for (i = 0; i < own + out; i++) p[i] = (hfy_real)(i % 7) - 3;
  for (i = 0; i < rows * in; i++) x[i] = (hfy_real)(i * i % 11) - 5;
  for (i = 0; i < rows * out; i++) dy[i] = (hfy_real)(i * i % 13) - 4;
  CHECK(hfy_dense_forward(&dense, p, x, rows, y, NULL) == HFY_OK);
  for (set = 0; set < 4; set++) {
    for (i = 0; i < rows * in; i++) dx[i] = (hfy_real)(i % 3);
    for (i = 0; i < own + out; i++) dp[i] = (hfy_real)(i % 5);
    to[0] = set & 1 ? dx : NULL;
    to[1] = set & 2 ? dp : NULL;
    CHECK(hfy_dense_backward(&dense, p, x, y, dy, rows, to, NULL) == HFY_OK);
    for (j = 0; j < out; j++)
      for (k = 0; k <= in; k++) { /* k == in: the bias */
        const size_t at = k < in ? j * in + k : own + j;
        double sum = (double)(at % 5);
        for (i = 0; to[1] && i < rows; i++) sum += (double)dy[i * out + j] * (k < in ? (double)x[i * in + k] : 1);
        wrong += fabs(sum - (double)dp[at]) > 0;
      }
    for (i = 0; i < rows * in; i++) {
      double sum = (double)(i % 3);
      for (j = 0; to[0] && j < out; j++) sum += (double)dy[i / in * out + j] * (double)p[j * in + i % in];
      wrong += fabs(sum - (double)dx[i]) > 0;
    }
  }
  CHECK(wrong == 0);
}

/* Values that only begin where the keys do are not the keys: gradients as with a copy of them. */
TEST(rows_that_begin_together) {
  enum { n = 6, key = 4, value = 8 };
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(3);
  hfy_real x[n * value], copy[n * value], dq[2][n * key];
  size_t i;
  clear(r);
  normals(&rng, x, n * value, 1);
  normals(&rng, r->state, n * key, 1);
  normals(&rng, r->dout, n * value, 1);
  memcpy(copy, x, sizeof copy);
  memset(dq, 0, sizeof dq);
  r->layer.width = r->layer.head_width = key;
  r->layer.value_width = r->layer.projected_width = value;
  r->layer.static_state = r->layer.static_stored = r->layer.static_projected = 1;
  r->layer.norm_state = r->layer.norm_stored = r->layer.norm_projected = HFY_LAYER_RAW;
  r->layer.flags = HFY_LAYER_NO_OUT;
  r->layer.extra_steps = 2;
  r->in.bags = 1;
  r->in.state_each = r->in.stored_each = n;
  r->in.state = r->state;
  r->in.stored = x;
  r->in.causal = 1; /* not folded */
  for (i = 0; i < 2; i++) {
    r->in.projected = i ? copy : x;
    CHECK(hfy_layer_tape(&r->layer, &r->in, &r->in.tape_reals, &r->work) == HFY_OK && r->in.tape_reals <= 16 * REALS);
    CHECK(hfy_layer_forward(&r->layer, r->param, &r->in, r->out, r->tape, NULL, &r->work) == HFY_OK);
    r->grad.state = dq[i];
    CHECK(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work) == HFY_OK);
  }
  near_all(dq[0], dq[1], n * key, 40 * REAL_EPS);
  clear(r);
}

/* A tape with states that are infinite: a status, no gradient that is none, and other bags' are as they were. */
TEST(spoilt_tape) {
  static hfy_real whole[REALS];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(31);
  size_t i, k, rows;
  for (i = 0; i < 3; i++) {
    ragged(r, 0);
    r->layer.extra_steps = 1;
    draw(r, &rng);
    rows = r->outs / 4;
    r->grad.params = r->d_param;
    r->grad.stored = whole;
    memset(whole, 0, sizeof whole);
    run(r, r->out, &r->grad);
    r->tape[i == 0 ? 4 + rows * 5 : i == 1 ? r->tape_reals - rows * 4 + 1 : 4 + rows * 9] = (hfy_real)HUGE_VAL; /* q, path, k */
    memset(r->d_param, 0, sizeof r->d_param);
    r->grad.stored = r->d_stored;
    CHECK_FAILS(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &r->grad, &r->work), HFY_ERR_NONFINITE,
                &r->work, "bag 0");
    for (k = 0; k < r->params; k++) CHECK(fabs((double)r->d_param[k]) < 1e6);
    for (k = 0; k < r->stored_reals; k++) CHECK(fabs((double)r->d_stored[k]) < 1e6);
    k = stored_of_bags[0] * 4;
    CHECK(same_bits(r->d_stored + k, whole + k, (r->stored_reals - k) * sizeof *whole));
  }
}

/* The gradients are the same where that of a mask, which hides nothing, is asked for, too: of long bags and wide heads. */
TEST(a_mask_of_zeros) {
  static hfy_real d_param[REALS], d_stored[REALS];
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(32);
  size_t i;
  for (i = 0; i < 2; i++) {
    clear(r);
    r->layer.width = 4;
    r->layer.head_width = i ? 100 : 4;
    r->layer.extra_steps = 1;
    r->in.bags = 1;
    r->in.stored_each = i ? 6 : 300;
    r->in.state_each = 3;
    r->in.stored = r->stored;
    r->in.state = r->state;
    draw(r, &rng);
    memset(d_param, 0, sizeof d_param);
    memset(d_stored, 0, sizeof d_stored);
    r->grad.params = d_param;
    r->grad.stored = d_stored;
    run(r, r->out, &r->grad);
    r->in.mask = r->mask;
    r->grad.params = r->d_param;
    r->grad.stored = r->d_stored;
    r->grad.mask = r->d_mask;
    run(r, r->out, &r->grad);
    near_all(d_param, r->d_param, r->params, 2000 * REAL_EPS);
    near_all(d_stored, r->d_stored, r->stored_reals, 2000 * REAL_EPS);
  }
}

/* What layers, blocks, dense layers and the optimiser refuse besides. */
TEST(refusals) {
  const double betas[2] = {1, -1};
  rig *r = &rigs;
  hfy_rng rng = hfy_rng_seed(41);
  hfy_layer_grad grad = {NULL, NULL, NULL, NULL, NULL};
  hfy_layer_input memory;
  hfy_layer one;
  hfy_dense dense = {4, 4, HFY_DENSE_LINEAR, 0};
  hfy_optimiser how = {0, 0, 0, 0, 0, 0, 1, 0};
  hfy_param entry;
  hfy_block block;
  size_t n, h;
  hfy_real *to[2] = {NULL, NULL};
#define REFUSED(call, says) CHECK_FAILS(call, HFY_ERR_ARG, &r->work, says)
#define ASK hfy_layer_forward(&one, r->param, &r->in, r->out, NULL, NULL, &r->work)
  ragged(r, 0);
  draw(r, &rng);
  one = r->layer, one.betas = betas;
  REFUSED(ASK, "betas[1] is -1");
  one.flags = HFY_LAYER_LEARN_BETA;
  REFUSED(ASK, "betas is set");
  one = r->layer, one.stored_width = 3;
  REFUSED(ASK, "stored_width 3 is not width 4");
  r->in.state = r->state, r->in.state_each = 2, one.projected_width = 5;
  REFUSED(ASK, "projected_width 5 is not stored_width 3");
  one = r->layer, one.memories = 3, r->in.padding = hidden;
  REFUSED(ASK, "in->padding is set");
  r->in.padding = NULL, r->in.projected = r->projected;
  REFUSED(ASK, "in->projected is set");
  r->in.projected = NULL, r->in.state = NULL;
  one = r->layer, one.flags = HFY_LAYER_GAUSSIAN, one.positions = 2;
  REFUSED(ASK, "at most layer->positions, 2");
  one = r->layer, one.out_width = (size_t)1 << (8 * sizeof n - 4);
  REFUSED(hfy_layer_tape(&one, &r->in, &n, &r->work), "cannot exist");
  r->in.stored_rows = NULL, r->in.stored_each = SIZE_MAX / 3;
  REFUSED(hfy_layer_tape(&r->layer, &r->in, &n, &r->work), "cannot exist");
  r->in.stored_each = 1, r->in.bags = SIZE_MAX / 4; /* at once, however many */
  REFUSED(hfy_layer_tape(&r->layer, &r->in, &n, &r->work), "cannot exist");
  for (h = 0; h < 3; h++) { /* parameters of their own kinds */
    ragged(r, 0);
    r->layer.head_width = 5, r->layer.positions = 5;
    r->layer.flags = h ? HFY_LAYER_GAUSSIAN : HFY_LAYER_LEARN_ALPHA;
    if (!h) r->layer.sep.kind = HFY_SEP_ENTMAX, r->layer.positions = 0;
    draw(r, &rng);
    for (n = 0; n < r->entries; n++)
      if (strstr(r->table[n].name, h == 0 ? "alpha" : h == 1 ? "mu" : "sigma")) {
        CHECK(r->table[n].start == (h ? HFY_PARAM_UNIFORM : HFY_PARAM_VALUE) && r->table[n].frozen == 0);
        CHECK_EQ(r->table[n].value, h == 0 ? 1.5 : h == 1 ? 0 : 1);
        CHECK_EQ(r->table[n].spread, h == 0 ? 0 : h == 1 ? 1 : 0.25);
        r->param[r->table[n].offset + 1] = h < 2 ? not_a_number() : 0;
      }
    one = r->layer;
    REFUSED(ASK, !h ? "alpha[1] is nan" : h == 1 ? "mu[1] is nan" : "finite and sigma not 0");
  }
  ragged(r, 0);
  draw(r, &rng);
  run(r, r->out, &grad);
  r->in.tape_reals = 40;
  REFUSED(hfy_layer_backward(&r->layer, r->param, &r->in, r->tape, r->dout, &grad, &r->work), "the tape needs");
  memset(&block, 0, sizeof block);
  block.self.width = 4, block.self.out_width = 5;
  REFUSED(hfy_block_tape(&block, &r->in, NULL, &n, &r->work), "block->self: width and out_width should be 4");
  block.self.out_width = 0, block.cross.width = 4, block.cross.memories = 2;
  REFUSED(hfy_block_tape(&block, &r->in, &r->in, &n, &r->work), "block->cross");
  block.cross.memories = 0, block.kind = (hfy_dense_kind)9;
  REFUSED(hfy_block_tape(&block, &r->in, &r->in, &n, &r->work), "block->kind is 9");
  block.kind = HFY_DENSE_LINEAR, block.dropout = 1;
  REFUSED(hfy_block_tape(&block, &r->in, &r->in, &n, &r->work), "block->dropout is 1");
  block.dropout = -1;
  REFUSED(hfy_block_tape(&block, &r->in, &r->in, &n, &r->work), "block->dropout is -1");
  block.dropout = 0, block.self.queries = 2;
  REFUSED(hfy_block_tape(&block, &r->in, &r->in, &n, &r->work), "block->self: width");
  block.self.queries = 0, block.self.memories = 2;
  REFUSED(hfy_block_tape(&block, &r->in, &r->in, &n, &r->work), "block->self: width");
  block.self.memories = 0, block.self.stored_width = 3;
  REFUSED(hfy_block_tape(&block, &r->in, &r->in, &n, &r->work), "block->self: width");
  block.self.stored_width = 0, block.cross.projected_width = 3;
  REFUSED(hfy_block_tape(&block, &r->in, &r->in, &n, &r->work), "block->cross: width");
  block.cross.projected_width = 0, block.cross.width = 6;
  REFUSED(hfy_block_tape(&block, &r->in, &r->in, &n, &r->work), "block->cross: width");
  block.cross.width = 4, block.self.width = 0;
  REFUSED(hfy_block_tape(&block, &r->in, &r->in, &n, &r->work), "width is 0");
  block.self.width = 4, memory = r->in, memory.projected = r->projected;
  REFUSED(hfy_block_tape(&block, &r->in, &memory, &n, &r->work), "should be NULL");
  memory.projected = NULL, memory.bags = 2;
  REFUSED(hfy_block_tape(&block, &r->in, &memory, &n, &r->work), "memory->bags is 2");
  block.cross.width = 0, r->in.tape_reals = 3;
  REFUSED(hfy_block_forward(&block, r->param, &r->in, NULL, r->out, r->tape, NULL, &r->work), "the tape needs");
  r->in.tape_reals = COUNT(r->tape), block.inner = 2;
  grad.state = r->d_state;
  REFUSED(hfy_block_backward(&block, r->param, &r->in, NULL, r->tape, r->dout, &grad, &r->work), "grad->state is set");
  grad.state = NULL, grad.projected = r->d_projected;
  REFUSED(hfy_block_backward(&block, r->param, &r->in, NULL, r->tape, r->dout, &grad, &r->work), "grad->projected is set");
  REFUSED(hfy_dense_forward(&dense, r->param, r->stored, SIZE_MAX / 8, r->out, &r->work), "rows cannot exist");
  dense.in = 1;
  REFUSED(hfy_dense_forward(&dense, r->param, r->stored, SIZE_MAX / 128, r->out, &r->work), "rows cannot exist");
  dense.out = SIZE_MAX / 8;
  REFUSED(hfy_dense_forward(&dense, r->param, r->stored, 1, r->out, &r->work), "weights and 1 rows");
  dense.in = dense.out = 4, dense.kind = (hfy_dense_kind)9;
  REFUSED(hfy_dense_backward(&dense, r->param, r->stored, r->out, r->dout, 1, to, &r->work), "dense->kind is 9");
  dense.out = 0;
  REFUSED(hfy_dense_forward(&dense, r->param, r->stored, 1, r->out, &r->work), "dense->out is 0");
  entry = r->table[0], entry.offset = SIZE_MAX - 1;
  REFUSED(hfy_optimiser_step(&how, &entry, 1, r->param, r->dout, NULL, NULL, &r->work), "parameters cannot exist");
  entry.offset = 0, entry.count = 4, entry.frozen = 0;
  for (n = 0; n < 4; n++) r->dout[n] = (hfy_real)REAL_MAX; /* the norm is beyond double, in double */
  CHECK(hfy_optimiser_step(&how, &entry, 1, r->param, r->dout, NULL, NULL, &r->work) ==
        (sizeof(hfy_real) == 8 ? HFY_ERR_NONFINITE : HFY_OK));
  { /* NULL, each by its name */
    hfy_param *table = &entry;
    hfy_real *p = r->param, *x = r->stored, *y = r->out, *tape = r->tape, *dy = r->dout;
    hfy_layer_input two = r->in;
    hfy_work *w = &r->work;
    dense.out = 4, dense.kind = HFY_DENSE_LINEAR, grad.projected = NULL, entry.offset = 0, entry.count = 4;
    memset(&how, 0, sizeof how);
    two.state = NULL, two.stored_rows = NULL, two.stored_each = 2;
    REFUSED(hfy_dense_forward(NULL, p, x, 1, y, w), "dense is NULL");
    REFUSED(hfy_dense_forward(&dense, NULL, x, 1, y, w), "params is NULL");
    REFUSED(hfy_dense_forward(&dense, p, NULL, 1, y, w), "x is NULL");
    REFUSED(hfy_dense_forward(&dense, p, x, 1, NULL, w), "y is NULL");
    REFUSED(hfy_dense_backward(&dense, NULL, x, y, dy, 1, to, w), "params is NULL");
    REFUSED(hfy_dense_backward(&dense, p, NULL, y, dy, 1, to, w), "x is NULL");
    REFUSED(hfy_dense_backward(&dense, p, x, NULL, dy, 1, to, w), "y is NULL");
    REFUSED(hfy_dense_backward(&dense, p, x, y, NULL, 1, to, w), "dy is NULL");
    REFUSED(hfy_dense_backward(&dense, p, x, y, dy, 1, NULL, w), "to is NULL");
    CHECK(!hfy_dense_forward(&dense, p, NULL, 0, NULL, w) && !hfy_dense_backward(&dense, p, NULL, NULL, NULL, 0, to, w));
    REFUSED(hfy_block_tape(NULL, &two, NULL, &n, w), "block is NULL");
    REFUSED(hfy_block_tape(&block, NULL, NULL, &n, w), "in is NULL");
    REFUSED(hfy_block_tape(&block, &two, NULL, NULL, w), "reals is NULL");
    REFUSED(hfy_block_forward(&block, NULL, &two, NULL, y, tape, NULL, w), "params is NULL");
    REFUSED(hfy_block_forward(&block, p, &two, NULL, y, NULL, NULL, w), "tape is NULL");
    REFUSED(hfy_block_forward(&block, p, &two, NULL, NULL, tape, NULL, w), "out is NULL");
    REFUSED(hfy_block_backward(&block, NULL, &two, NULL, tape, dy, &grad, w), "params is NULL");
    REFUSED(hfy_block_backward(&block, p, &two, NULL, NULL, dy, &grad, w), "tape is NULL");
    REFUSED(hfy_block_backward(&block, p, &two, NULL, tape, dy, NULL, w), "grad is NULL");
    REFUSED(hfy_block_backward(&block, p, &two, NULL, tape, NULL, &grad, w), "dout is NULL");
    block.self.extra_steps = SIZE_MAX / 4; /* tapes that cannot exist */
    REFUSED(hfy_block_tape(&block, &two, NULL, &n, w), "no tape is so long");
    block.self.extra_steps = 0, block.inner = SIZE_MAX >> 9, two.bags = 1 << 8;
    REFUSED(hfy_block_tape(&block, &two, NULL, &n, w), "weights and 512 rows cannot exist");
    block.inner = 2, two.bags = r->in.bags, two.state = x;
    REFUSED(hfy_block_tape(&block, &two, NULL, &n, w), "should be NULL");
    two.state = NULL, two.projected = x;
    REFUSED(hfy_block_tape(&block, &two, NULL, &n, w), "should be NULL");
    block.cross.width = 4, two.projected = NULL;
    REFUSED(hfy_block_tape(&block, &two, NULL, &n, w), "memory is NULL");
    REFUSED(hfy_layer_tape(&r->layer, &two, NULL, w), "reals is NULL");
    REFUSED(hfy_layer_backward(&r->layer, NULL, &two, tape, dy, &grad, w), "params is NULL");
    REFUSED(hfy_layer_backward(&r->layer, p, &two, NULL, dy, &grad, w), "tape is NULL");
    REFUSED(hfy_layer_backward(&r->layer, p, &two, tape, dy, NULL, w), "grad is NULL");
    REFUSED(hfy_optimiser_step(NULL, table, 1, p, dy, tape, NULL, w), "how is NULL");
    REFUSED(hfy_optimiser_step(&how, NULL, 1, p, dy, tape, NULL, w), "table is NULL");
    REFUSED(hfy_optimiser_step(&how, table, 1, NULL, dy, tape, NULL, w), "params is NULL");
    REFUSED(hfy_optimiser_step(&how, table, 1, p, NULL, tape, NULL, w), "grads is NULL");
    REFUSED(hfy_optimiser_step(&how, table, 1, p, dy, NULL, NULL, w), "moments is NULL");
  }
  hfy_work_free(&r->work);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(goldens);
  RUN(golden_blocks);
  RUN(bag_by_bag);
  RUN(a_row_is_alone_in_its_bag);
  RUN(folded_is_plain);
  RUN(static_states);
  RUN(bags_of_any_size);
  RUN(ends_of_ranges);
  RUN(lookup_is_plain);
  RUN(bounds_of_each_state);
  RUN(fixed_points);
  RUN(without_weights_a_net);
  RUN(short_and_long_bags);
  RUN(rows_that_differ_in_what_they_do);
  RUN(a_file_of_pythons);
  RUN(stacked);
  RUN(found_by_reading);
  RUN(blocks_that_fail);
  RUN(blocks_whose_rows_leave_reals);
  RUN(norms_beyond_reals);
  RUN(dense_layers);
  RUN(blocks_in_parts);
  RUN(wide_biases);
  RUN(many_rows);
  RUN(rows_that_begin_together);
  RUN(optimisers);
  RUN(ten_steps);
  RUN(reports);
  RUN(bad_layers);
  RUN(bad_input);
  RUN(spoilt_tape);
  RUN(a_mask_of_zeros);
  RUN(refusals);
#ifdef HFY_DOUBLE
  RUN(each_option);
  RUN(special_layers);
  RUN(random_layers);
  RUN(blocks);
#endif
  hfy_work_free(&rigs.work);
  return CHECK_END();
}
