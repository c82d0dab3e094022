/* transformer.c: what the heads of a transformer do while it learns (MHN, section 3 and B1, in small).

   Masked letters of a text: 15 % of the letters of a line of --length are hidden, four encoder blocks of four heads
   guess them. AdamW, rate .002 after 50 steps of warming up, 16 lines a step. The last twentieth of the text tests.
   Told are, through training, the loss in nats a letter and the class of every head: k, the least number of weights
   that sum to .9, in the median over rows, of N letters: class I (k > N/2: averages all), II (> N/8), III (> N/32),
   IV. At the end each layer in turn averages instead (HFY_SEP_UNIFORM): what that costs; and the same network with
   Gaussians of the place in its first layer (HFY_LAYER_GAUSSIAN) instead of attention. Mean +- sd of the seeds.
   Published (BERT; Figures 2, 3, B2): starts in class I; heads leave it as the loss drops; averaging the first layer
   costs least; Gaussians there cost nothing.
   Text: Debian's bible-kjv, made by `bible -f gen1:1-rev22:21 >kjv.txt`; without a file a text is drawn of 200 words.

     transformer [--text kjv.txt] [--seeds 5] [--steps 2000] [--width 32] [--length 32] */
#include "../hfy.h"

#include "train.h"

enum { BLOCKS = 4, HEADS = 4, SYMBOLS = 64, MASK = SYMBOLS - 1, BATCH = 16, TESTS = 4 };

typedef struct text {
  unsigned char *symbol; /* 0 .. SYMBOLS-2 */
  size_t count, test;    /* where the tested part begins */
} text;

typedef struct model {
  size_t width, length, rows, count, entries, block_at[BLOCKS], out_at;
  hfy_block block[BLOCKS];
  hfy_dense out;
  hfy_param table[TRAIN_ENTRIES];
  hfy_optimiser how;
  hfy_work work;
  hfy_real *params, *grads, *moments, *x[BLOCKS + 1], *dx[2], *tape[BLOCKS], *picked, *dpicked, *logit, *dlogit;
  hfy_real *weights;
  hfy_layer_input in;
  size_t tape_reals;
  unsigned char *shown, *hidden; /* what goes in; 1: to be guessed */
} model;

/* Letters in small, digits, the commonest marks; all else is a blank. */
static void get_text(const char *path, text *t) {
  static const char known[] = "\n abcdefghijklmnopqrstuvwxyz0123456789.,;:'!?()-[]";
  size_t size = 0, i;
  char *raw = train_read(path, &size);
  if (!raw) {
    hfy_rng rng = hfy_rng_seed(3);
    char word[200][8];
    printf("no text %s: one drawn of 200 words instead\n", path);
    for (i = 0; i < 200; i++) {
      size_t j, length = 2 + train_below(&rng, 5);
      for (j = 0; j < length; j++) word[i][j] = (char)('a' + train_below(&rng, 26));
      word[i][length] = ' ';
      word[i][length + 1] = 0;
    }
    raw = (char *)train_grow(NULL, 400008, 1);
    while (size < 400000) {
      const double u = hfy_rng_uniform(&rng);
      const char *next = word[(size_t)(u * u * 200)];
      memcpy(raw + size, next, strlen(next));
      size += strlen(next);
    }
  }
  t->symbol = TRAIN_NEW(unsigned char, size);
  for (i = t->count = 0; i < size; i++) {
    const char c = (char)(raw[i] >= 'A' && raw[i] <= 'Z' ? raw[i] - 'A' + 'a' : raw[i]);
    const char *at = c ? strchr(known, c) : NULL;
    t->symbol[t->count++] = (unsigned char)(at ? at - known : 1);
  }
  t->test = t->count - t->count / 20;
  free(raw);
}

static hfy_param *add_table(model *m, const char *name, size_t rows) {
  hfy_param *e = m->table + m->entries++;
  snprintf(e->name, sizeof e->name, "%s", name);
  e->offset = m->count;
  e->rank = 2;
  e->shape[0] = rows;
  e->shape[1] = m->width;
  e->count = rows * m->width;
  m->count += e->count;
  return e;
}

static void make_model(model *m, size_t width, size_t length, int gaussian, uint64_t seed) {
  hfy_rng rng = hfy_rng_seed(seed);
  size_t i, got;
  memset(m, 0, sizeof *m);
  m->width = width;
  m->length = length;
  m->rows = BATCH * length;
  add_table(m, "letters", SYMBOLS);
  add_table(m, "places", length);
  for (i = 0; i < BLOCKS; i++) {
    char name[TRAIN_NAME];
    hfy_block *b = m->block + i;
    snprintf(name, sizeof name, "block.%u.", (unsigned)i);
    b->self.width = width;
    b->self.heads = HEADS;
    b->inner = 4 * width;
    b->kind = HFY_DENSE_GELU;
    if (!i && gaussian) {
      b->self.flags = HFY_LAYER_GAUSSIAN;
      b->self.positions = length;
    }
    m->block_at[i] = m->count;
    train_must(hfy_block_params(b, name, m->count, m->table + m->entries, TRAIN_ENTRIES - m->entries, &got, &m->count,
                                &m->work), &m->work);
    m->entries += got;
  }
  m->out.in = width;
  m->out.out = SYMBOLS;
  m->out_at = m->count;
  train_must(hfy_dense_params(&m->out, "out.", m->count, m->table + m->entries, TRAIN_ENTRIES - m->entries, &got,
                              &m->count, &m->work), &m->work);
  m->entries += got;
  m->params = TRAIN_NEW(hfy_real, m->count);
  m->grads = TRAIN_NEW(hfy_real, m->count);
  m->moments = TRAIN_NEW(hfy_real, 2 * m->count);
  for (i = 0; i < m->entries; i++) /* N(0, .02) would stand still for very long */
    if (strstr(m->table[i].name, "proj") && strstr(m->table[i].name, "weight")) m->table[i].start = HFY_PARAM_DENSE;
  train_must(hfy_param_init(m->table, m->entries, &rng, m->params, &m->work), &m->work);
  for (i = 0; i < length * width; i++) { /* places begin as waves, so that neighbours are alike */
    const double phase = (double)(i / width) / pow(1000, (double)(i % width / 2 * 2) / (double)width);
    m->params[SYMBOLS * width + i] = (hfy_real)(0.03 * (i % 2 ? cos(phase) : sin(phase)));
  }
  m->in.bags = BATCH;
  m->in.stored_each = length;
  for (i = 0; i <= BLOCKS; i++) m->x[i] = TRAIN_NEW(hfy_real, m->rows * width);
  for (i = 0; i < 2; i++) m->dx[i] = TRAIN_NEW(hfy_real, m->rows * width);
  for (i = 0; i < BLOCKS; i++) {
    m->in.stored = m->x[i];
    train_must(hfy_block_tape(m->block + i, &m->in, NULL, &got, &m->work), &m->work);
    m->tape[i] = TRAIN_NEW(hfy_real, got);
    if (got > m->tape_reals) m->tape_reals = got;
  }
  m->picked = TRAIN_NEW(hfy_real, m->rows * width);
  m->dpicked = TRAIN_NEW(hfy_real, m->rows * width);
  m->logit = TRAIN_NEW(hfy_real, m->rows * SYMBOLS);
  m->dlogit = TRAIN_NEW(hfy_real, m->rows * SYMBOLS);
  m->weights = TRAIN_NEW(hfy_real, m->rows * HEADS * length);
  m->shown = TRAIN_NEW(unsigned char, m->rows);
  m->hidden = TRAIN_NEW(unsigned char, m->rows);
  m->how.decay = 0.01;
  m->how.clip = 1;
}

static void free_model(model *m) {
  size_t i;
  for (i = 0; i <= BLOCKS; i++) free(m->x[i]);
  for (i = 0; i < BLOCKS; i++) free(m->tape[i]);
  free(m->params), free(m->grads), free(m->moments), free(m->dx[0]), free(m->dx[1]), free(m->picked), free(m->dpicked);
  free(m->logit), free(m->dlogit), free(m->weights), free(m->shown), free(m->hidden);
  hfy_work_free(&m->work);
}

/* The class of every head of a layer, from its weights: counts[class]. */
static void count_classes(const model *m, size_t counts[4]) {
  const size_t n = m->length;
  size_t b, h, i, j, *many = TRAIN_NEW(size_t, n + 1);
  double *w = TRAIN_NEW(double, n);
  for (h = 0; h < HEADS; h++) {
    size_t seen = 0, k = 0;
    memset(many, 0, (n + 1) * sizeof *many);
    for (b = 0; b < BATCH; b++)
      for (i = 0; i < n; i++) {
        double sum = 0;
        size_t used = 0;
        for (j = 0; j < n; j++) w[j] = (double)m->weights[((b * HEADS + h) * n + i) * n + j];
        while (sum < 0.9 && used < n) { /* the largest that is left */
          size_t best = 0;
          for (j = 1; j < n; j++)
            if (w[j] > w[best]) best = j;
          sum += w[best];
          w[best] = -1;
          used++;
        }
        many[used]++;
      }
    while (2 * seen < BATCH * n) seen += many[k++];
    k--; /* the median */
    counts[2 * k > n ? 0 : 8 * k > n ? 1 : 32 * k > n ? 2 : 3]++;
  }
  free(many);
  free(w);
}

/* BATCH lines from `from` (training: anywhere) through the blocks; returns the mean loss of hidden letters, with the
   gradient in dlogit; *picked of them. counts: classes of every block, or NULL. */
static double forward(model *m, const text *t, hfy_rng *rng, int training, size_t *picked, size_t (*counts)[4]) {
  const size_t L = m->length, E = m->width;
  double loss = 0;
  size_t b, i, j, n = 0, *answer = TRAIN_NEW(size_t, m->rows);
  for (b = 0; b < BATCH; b++) {
    const size_t from = training ? train_below(rng, t->test - L) : t->test + train_below(rng, t->count - t->test - L);
    for (i = b * L; i < (b + 1) * L; i++) {
      const unsigned char letter = t->symbol[from + i - b * L];
      m->hidden[i] = hfy_rng_uniform(rng) < 0.15;
      m->shown[i] = m->hidden[i] ? MASK : letter;
      for (j = 0; j < E; j++)
        m->x[0][i * E + j] = m->params[m->shown[i] * E + j] + m->params[(SYMBOLS + i % L) * E + j];
      if (m->hidden[i]) answer[n++] = letter;
    }
  }
  m->in.training = training;
  m->in.tape_reals = m->tape_reals;
  for (i = 0; i < BLOCKS; i++) {
    hfy_layer_report report;
    memset(&report, 0, sizeof report);
    report.weights = m->weights;
    m->in.stored = m->x[i];
    train_must(hfy_block_forward(m->block + i, m->params + m->block_at[i], &m->in, NULL, m->x[i + 1], m->tape[i],
                                 counts ? &report : NULL, &m->work), &m->work);
    if (counts) count_classes(m, counts[i]);
  }
  for (i = n = 0; i < m->rows; i++)
    if (m->hidden[i]) memcpy(m->picked + n++ * E, m->x[BLOCKS] + i * E, E * sizeof(hfy_real));
  train_must(hfy_dense_forward(&m->out, m->params + m->out_at, m->picked, n, m->logit, &m->work), &m->work);
  for (i = 0; i < n; i++) {
    loss += train_loss(m->logit + i * SYMBOLS, SYMBOLS, (double)answer[i], m->dlogit + i * SYMBOLS) / (double)n;
    for (j = 0; j < SYMBOLS; j++) m->dlogit[i * SYMBOLS + j] /= (hfy_real)n;
  }
  *picked = n;
  free(answer);
  return loss;
}

static void backward(model *m, size_t picked) {
  const size_t E = m->width;
  hfy_real *to[2];
  hfy_layer_grad grad = {NULL, NULL, NULL, NULL, NULL};
  size_t i, j, n = 0;
  memset(m->grads, 0, m->count * sizeof *m->grads);
  memset(m->dpicked, 0, picked * E * sizeof *m->dpicked);
  to[0] = m->dpicked;
  to[1] = m->grads + m->out_at;
  train_must(hfy_dense_backward(&m->out, m->params + m->out_at, m->picked, m->logit, m->dlogit, picked, to, &m->work),
             &m->work);
  memset(m->dx[0], 0, m->rows * E * sizeof(hfy_real));
  for (i = 0; i < m->rows; i++)
    if (m->hidden[i]) memcpy(m->dx[0] + i * E, m->dpicked + n++ * E, E * sizeof(hfy_real));
  for (i = BLOCKS; i-- > 0;) {
    hfy_real *swap = m->dx[0];
    memset(m->dx[1], 0, m->rows * E * sizeof(hfy_real));
    m->in.stored = m->x[i];
    grad.params = m->grads + m->block_at[i];
    grad.stored = m->dx[1];
    train_must(hfy_block_backward(m->block + i, m->params + m->block_at[i], &m->in, NULL, m->tape[i], m->dx[0], &grad,
                                  &m->work), &m->work);
    m->dx[0] = m->dx[1];
    m->dx[1] = swap;
  }
  for (i = 0; i < m->rows; i++)
    for (j = 0; j < E; j++) {
      m->grads[m->shown[i] * E + j] += m->dx[0][i * E + j];
      m->grads[(SYMBOLS + i % m->length) * E + j] += m->dx[0][i * E + j];
    }
}

/* Loss on TESTS fixed batches of the tested part; classes, if asked for, of the first. */
static double test(model *m, const text *t, size_t (*counts)[4]) {
  hfy_rng rng = hfy_rng_seed(77);
  double loss = 0;
  size_t i, picked;
  for (i = 0; i < TESTS; i++) loss += forward(m, t, &rng, 0, &picked, i ? NULL : counts) / TESTS;
  return loss;
}

static void tell(model *m, const text *t, size_t step) {
  size_t counts[BLOCKS][4] = {{0}}, i, c;
  printf("  %5u  %.3f   ", (unsigned)step, test(m, t, counts));
  for (i = 0; i < BLOCKS; i++) {
    for (c = 0; c < 4; c++) printf("%u ", (unsigned)counts[i][c]);
    printf("  ");
  }
  printf("\n");
  fflush(stdout);
}

/* Trains from a seed; cost[0]: loss at the end, cost[1 ..]: what it grows by when a layer averages. */
static void run(const text *t, size_t width, size_t length, size_t steps, int gaussian, uint64_t seed, double *cost) {
  static model m;
  hfy_rng rng = hfy_rng_seed(seed + 10);
  size_t i, picked, next = steps / 16 + 1;
  make_model(&m, width, length, gaussian, seed);
  if (seed == 1) printf("%s; heads in class I II III IV of each layer\n   step  loss\n",
                        gaussian ? "Gaussians in the first layer" : "attention everywhere");
  for (i = 0; i < steps; i++) {
    if (seed == 1 && (!i || i == next)) tell(&m, t, i);
    if (i == next) next *= 2;
    m.how.rate = 2e-3 * (i < 50 ? (double)(i + 1) / 50 : 1);
    forward(&m, t, &rng, 1, &picked, NULL);
    backward(&m, picked);
    train_must(hfy_optimiser_step(&m.how, m.table, m.entries, m.params, m.grads, m.moments, NULL, &m.work), &m.work);
  }
  if (seed == 1) tell(&m, t, steps);
  cost[0] = test(&m, t, NULL);
  for (i = 0; i < BLOCKS; i++) {
    m.block[i].self.sep.kind = HFY_SEP_UNIFORM;
    cost[1 + i] = (gaussian && !i) ? 0 : test(&m, t, NULL) - cost[0];
    m.block[i].self.sep.kind = HFY_SEP_SOFTMAX;
  }
  free_model(&m);
}

int main(int argc, char **argv) {
  const size_t seeds = (size_t)train_option(argc, argv, "--seeds", 5);
  const size_t steps = (size_t)train_option(argc, argv, "--steps", 2000);
  const size_t width = (size_t)train_option(argc, argv, "--width", 32);
  const size_t length = (size_t)train_option(argc, argv, "--length", 32);
  const char *path = "kjv.txt";
  double *all = TRAIN_NEW(double, seeds * (BLOCKS + 1)), *one = TRAIN_NEW(double, seeds), mean, sd;
  size_t i, k;
  int gaussian;
  text t;
  for (i = 1; i + 1 < (size_t)argc; i++)
    if (!strcmp(argv[i], "--text")) path = argv[i + 1];
  get_text(path, &t);
  for (gaussian = 0; gaussian < 2; gaussian++) {
    const double begun = train_seconds();
    for (k = 0; k < seeds; k++) run(&t, width, length, steps, gaussian, k + 1, all + k * (BLOCKS + 1));
    for (i = 0; i <= BLOCKS; i++) {
      for (k = 0; k < seeds; k++) one[k] = all[k * (BLOCKS + 1) + i];
      train_mean(one, seeds, &mean, &sd);
      if (i)
        printf("  layer %u averages: %+.3f +- %.3f\n", (unsigned)i, mean, sd);
      else
        printf("  loss %.3f +- %.3f nats a letter, %u seeds, %.0f s a run\n", mean, sd, (unsigned)seeds,
               (train_seconds() - begun) / (double)seeds);
    }
  }
  free(t.symbol);
  free(all);
  free(one);
  return 0;
}
