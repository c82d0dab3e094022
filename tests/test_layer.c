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

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(goldens);
  RUN(golden_blocks);
  return CHECK_END();
}
