/* bit_pattern.c: six Hopfield layers find the pattern that makes a bag positive, or remember how a sequence began.

   Bits (the public demonstration): 2048 bags of 16 patterns of 8 bits, none of them 0; a bag of class 1 holds one of 8
   signals, which no other bag holds. 1536 bags train, 512 validate. Latch: 4096 sequences of 32 letters out of 20; the
   class is the first letter, A or B, which nowhere else occur. AdamW, rate .001, batches of 32, gradients cut to 1.
   Settings: Hopfield (self-association, then one dense layer), pooling (one trained state), lookup (trained stored
   patterns); adapted: 8 heads of 8, 3 extra steps, beta .25, dropout .5; lookup adapted: stored patterns start as those
   of the data, values come from targets of their own that are not trained.
   The published curves of the adapted layers were trained with wrong gradients of the extra steps (pytorch #99638).

     bit_pattern [--latch] [--seeds 5] [--epochs 250] [--only 0..5]   a line a setting: validation accuracy at the end
                                                                      and at its best, mean +- sd of the seeds */
#include "../hfy.h"

#include "train.h"

enum { BITS = 8, SIGNALS = 8, LETTERS = 20 };

typedef struct setting {
  const char *name;
  int pooling, lookup, adapted;
  double published[2], latch; /* validation accuracy: final and best of the bits; of the latch */
} setting;

static const setting settings[] = {{"Hopfield", 0, 0, 0, {.5645, .6191}, 1}, {"Hopfield adapted", 0, 0, 1, {.8457, .8594}, 1},
                                   {"pooling", 1, 0, 0, {.5781, .6113}, 1},  {"pooling adapted", 1, 0, 1, {.8359, .8496}, 1},
                                   {"lookup", 0, 1, 0, {.5215, .5273}, 1},   {"lookup adapted", 0, 1, 1, {.8477, .8516}, 1}};

/* What one run needs: bags, which of them train and validate, the distinct rows there are. */
typedef struct task {
  train_bags data;
  size_t rows_each, *train, trains, *valid, valids;
  hfy_real *unique;
  size_t uniques, epochs;
  int latch;
} task;

static void make_bits(task *t, uint64_t seed) {
  hfy_rng rng = hfy_rng_seed(seed);
  size_t signal[SIGNALS], is_signal[256] = {0}, i, b;
  train_bags *d = &t->data;
  for (i = 0; i < SIGNALS;) {
    signal[i] = 1 + train_below(&rng, 255);
    if (!is_signal[signal[i]]) is_signal[signal[i++]] = 1;
  }
  for (i = 0; i < d->bags * t->rows_each; i++) {
    size_t pattern;
    do pattern = 1 + train_below(&rng, 255);
    while (is_signal[pattern]);
    for (b = 0; b < BITS; b++) d->rows[i * BITS + b] = (hfy_real)(pattern >> b & 1);
  }
  for (i = 0; i < d->bags; i++) {
    d->label[i] = i < d->bags / 2;
    if (d->label[i] > 0) {
      const size_t at = i * t->rows_each + train_below(&rng, t->rows_each), which = signal[train_below(&rng, SIGNALS)];
      for (b = 0; b < BITS; b++) d->rows[at * BITS + b] = (hfy_real)(which >> b & 1);
    }
  }
  t->uniques = 255;
  t->unique = TRAIN_NEW(hfy_real, 255 * BITS);
  for (i = 0; i < 255; i++)
    for (b = 0; b < BITS; b++) t->unique[i * BITS + b] = (hfy_real)((i + 1) >> b & 1);
}

static void make_latch(task *t, uint64_t seed) {
  hfy_rng rng = hfy_rng_seed(seed);
  train_bags *d = &t->data;
  size_t i, j;
  for (i = 0; i < d->bags; i++) {
    d->label[i] = hfy_rng_sign(&rng) > 0;
    for (j = 0; j < t->rows_each; j++) {
      const size_t letter = j ? 2 + train_below(&rng, LETTERS - 2) : (size_t)d->label[i];
      d->rows[(i * t->rows_each + j) * LETTERS + letter] = 1;
    }
  }
  t->uniques = LETTERS;
  t->unique = TRAIN_NEW(hfy_real, LETTERS * LETTERS);
  for (i = 0; i < LETTERS; i++) t->unique[i * LETTERS + i] = 1;
}

/* Both: a quarter of the bags validates, half of it from the beginning, half from the end. */
static void make_task(task *t, uint64_t seed) {
  train_bags *d = &t->data;
  size_t i;
  d->bags = t->latch ? 4096 : 2048;
  d->width = t->latch ? LETTERS : BITS;
  t->rows_each = t->latch ? 32 : 16;
  d->rows = TRAIN_NEW(hfy_real, d->bags * t->rows_each * d->width);
  d->label = TRAIN_NEW(double, d->bags);
  d->first = TRAIN_NEW(size_t, d->bags + 1);
  t->train = TRAIN_NEW(size_t, d->bags);
  t->valid = TRAIN_NEW(size_t, d->bags);
  for (i = 0; i <= d->bags; i++) d->first[i] = i * t->rows_each;
  for (i = t->trains = t->valids = 0; i < d->bags; i++)
    if (i < d->bags / 8 || i >= d->bags - d->bags / 8)
      t->valid[t->valids++] = i;
    else
      t->train[t->trains++] = i;
  (t->latch ? make_latch : make_bits)(t, seed);
}

static void free_task(task *t) {
  train_bags_free(&t->data);
  free(t->train);
  free(t->valid);
  free(t->unique);
}

/* Trains one setting from one seed: accuracy[0] at the end, [1] at its best, [2] of the last training epoch; returns
   the first epoch, from 1 on, whose validation is without error (0: none). */
static size_t run(const task *t, const setting *s, uint64_t seed, double accuracy[3]) {
  static train_net zero;
  train_net net = zero, *n = &net;
  hfy_rng rng = hfy_rng_seed(seed + 1000);
  size_t epoch, solved = 0;
  n->layer.width = t->data.width;
  if (s->pooling) n->layer.queries = 1;
  if (s->lookup) n->layer.memories = t->uniques;
  if (s->lookup && s->adapted) n->layer.flags = HFY_LAYER_OWN_TARGETS | HFY_LAYER_FROZEN_TARGETS;
  if (s->adapted && !s->lookup) {
    n->layer.heads = n->layer.head_width = 8;
    n->layer.extra_steps = 3;
    n->layer.beta = 0.25;
    n->layer.dropout = 0.5;
  }
  n->out.in = t->data.width * (s->pooling ? 1 : t->rows_each);
  n->out.out = 1;
  n->how.decay = 0.01; /* PyTorch's default */
  n->how.clip = 1;
  train_net_make(n);
  train_net_start(n, seed);
  if (s->lookup && s->adapted)
    memcpy(train_net_find(n, "layer.lookup_weights"), t->unique, t->uniques * t->data.width * sizeof(hfy_real));
  accuracy[1] = 0;
  for (epoch = 1; epoch <= t->epochs; epoch++) {
    accuracy[2] = train_net_epoch(n, &t->data, t->train, t->trains, 32, &rng).right;
    accuracy[0] = train_net_pass(n, &t->data, t->valid, t->valids, 256, 0, NULL).right;
    if (accuracy[0] > accuracy[1]) accuracy[1] = accuracy[0];
    if (!solved && accuracy[0] >= 1) solved = epoch;
  }
  train_net_free(n);
  return solved;
}

int main(int argc, char **argv) {
  const int latch = train_option(argc, argv, "--latch", 0) > 0;
  const size_t seeds = (size_t)train_option(argc, argv, "--seeds", 5);
  const size_t epochs = (size_t)train_option(argc, argv, "--epochs", latch ? 20 : 250);
  const int only = (int)train_option(argc, argv, "--only", -1);
  size_t i, k, worst;
  double *all = TRAIN_NEW(double, 3 * seeds), mean[3], sd[3];
  train_options(argc, argv, "--latch --seeds --epochs --only");
  printf("%s, %u epochs, %u seeds\n%-17s %-15s %-15s %-15s %-17s s a run\n",
         latch ? "latch: 4096 sequences of 32 letters, the first decides" : "bits: 2048 bags of 16 x 8 bits, 8 signals",
         (unsigned)epochs, (unsigned)seeds, "validation:", "at the end", "at its best", "training",
         latch ? "first without error" : "published end, best");
  for (i = 0; i < sizeof settings / sizeof *settings; i++) {
    const double begun = train_seconds();
    if (only >= 0 && (size_t)only != i) continue;
    for (worst = k = 0; k < seeds; k++) {
      task t = {{0, 0, NULL, NULL, NULL}, 0, NULL, 0, NULL, 0, NULL, 0, 0, 0};
      double accuracy[3] = {0, 0, 0};
      size_t solved;
      t.latch = latch;
      t.epochs = epochs;
      make_task(&t, k + 1);
      solved = run(&t, settings + i, k + 1, accuracy);
      if (solved > worst) worst = solved;
      all[k] = accuracy[0];
      all[seeds + k] = accuracy[1];
      all[2 * seeds + k] = accuracy[2];
      free_task(&t);
    }
    for (k = 0; k < 3; k++) train_mean(all + k * seeds, seeds, mean + k, sd + k);
    printf("%-17s %.4f +- %.4f %.4f +- %.4f %.4f +- %.4f ", settings[i].name, mean[0], sd[0], mean[1], sd[1], mean[2],
           sd[2]);
    if (latch)
      printf("epoch %-12u", (unsigned)worst);
    else
      printf("%.4f, %.4f   ", settings[i].published[0], settings[i].published[1]);
    printf(" %.1f\n", (train_seconds() - begun) / (double)seeds);
    fflush(stdout);
  }
  free(all);
  return 0;
}
