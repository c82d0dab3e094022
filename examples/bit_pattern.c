/* bit_pattern.c: six Hopfield layers find the pattern that makes a bag positive, or remember how a sequence began.

   Bits (the public demonstration): 2048 bags of 16 patterns of 8 bits, none of them 0; a bag of class 1 holds one of 8
   signals, which no other bag holds. 1536 bags train, 512 validate. Latch: 4096 sequences of 32 letters out of 20; the
   class is the first letter, A or B, which nowhere else occur. AdamW, rate .001, batches of 32, gradients cut to 1.
   Settings: Hopfield (self-association, then one dense layer), pooling (one trained state), lookup (trained stored
   patterns); adapted: 8 heads of 8, 3 extra steps, beta .25, dropout .5; lookup adapted: stored patterns start as those
   of the data, values come from targets of their own that are not trained.
   The published curves of the adapted layers were trained with wrong gradients of the extra steps (pytorch #99638).

     bit_pattern [--latch] [--seeds 5] [--epochs 250] [--only 0..5] [--extra 3]
   A line a setting: validation accuracy at the end and at its best, mean +- sd of the seeds. --extra: extra steps. */
#include "../hfy.h"

#include "train.h"

enum { BITS = 8, SIGNALS = 8, LETTERS = 20 };

typedef struct setting {
  const char *name;
  int pooling, lookup, adapted;
  double published[2]; /* validation accuracy of the bits: final and best; that of the latch is 1 for all */
} setting;

static const setting settings[] = {
  {"Hopfield", 0, 0, 0, {.5645, .6191}}, {"Hopfield adapted", 0, 0, 1, {.8457, .8594}},
  {"pooling", 1, 0, 0, {.5781, .6113}},  {"pooling adapted", 1, 0, 1, {.8359, .8496}},
  {"lookup", 0, 1, 0, {.5215, .5273}},   {"lookup adapted", 0, 1, 1, {.8477, .8516}}};

/* What one run needs: bags, which of them train and validate, the distinct rows there are. */
typedef struct task {
  train_bags data;
  size_t rows_each, *train, trains, *valid, valids;
  hfy_real *unique;
  size_t uniques, epochs, extra;
  int latch;
} task;

/* The random numbers of the public data: the Mersenne Twister MT19937 (Matsumoto, Nishimura 1998), seeded and turned
   into integers as PyTorch does it, so that the bags are the very ones of the published curves. */
typedef struct twister {
  uint32_t state[624];
  size_t next;
} twister;

static void twister_seed(twister *t, uint32_t seed) {
  uint32_t i;
  t->state[0] = seed;
  for (i = 1; i < 624; i++) t->state[i] = 1812433253u * (t->state[i - 1] ^ t->state[i - 1] >> 30) + i;
  t->next = 624;
}

static size_t twister_below(twister *t, size_t n) {
  uint32_t y;
  size_t i;
  if (t->next == 624) {
    for (i = 0; i < 624; i++) {
      y = (t->state[i] & 0x80000000u) | (t->state[(i + 1) % 624] & 0x7FFFFFFFu);
      t->state[i] = t->state[(i + 397) % 624] ^ y >> 1 ^ (y & 1 ? 0x9908B0DFu : 0);
    }
    t->next = 0;
  }
  y = t->state[t->next++];
  y ^= y >> 11;
  y ^= y << 7 & 0x9D2C5680u;
  y ^= y << 15 & 0xEFC60000u;
  y ^= y >> 18;
  return y % n;
}

/* The first bit drawn is the highest: patterns sort as numbers do. */
static size_t draw_pattern(twister *t) {
  size_t i, pattern = 0;
  for (i = 0; i < BITS; i++) pattern = 2 * pattern + twister_below(t, 2);
  return pattern;
}

static void set_pattern(hfy_real *row, size_t pattern) {
  size_t i;
  for (i = 0; i < BITS; i++) row[i] = (hfy_real)(pattern >> (BITS - 1 - i) & 1);
}

static void make_bits(task *t) {
  static twister random;
  const size_t rows = t->data.bags * t->rows_each;
  size_t signal[SIGNALS], taken[256] = {1}, *drawn = TRAIN_NEW(size_t, rows), found = 0, bad, i;
  train_bags *d = &t->data;
  twister_seed(&random, 43);
  while (found < SIGNALS) {
    size_t missing = SIGNALS - found;
    while (missing--) taken[draw_pattern(&random)] = 1;
    for (i = 1, found = 0; i < 256; i++)
      if (taken[i]) signal[found++] = i;
  }
  twister_seed(&random, 44);
  for (i = 0; i < rows; i++) drawn[i] = draw_pattern(&random);
  do /* neither 0 nor a signal: those are drawn again until none is left */
    for (i = bad = 0; i < rows; i++)
      if (taken[drawn[i]]) {
        drawn[i] = draw_pattern(&random);
        bad++;
      }
  while (bad);
  for (i = 0; i < d->bags / 2; i++) {
    const size_t at = twister_below(&random, t->rows_each);
    d->label[i] = 1;
    drawn[i * t->rows_each + at] = signal[twister_below(&random, SIGNALS)];
  }
  for (i = 0; i < rows; i++) set_pattern(d->rows + i * BITS, drawn[i]);
  free(drawn);
  t->uniques = 255;
  t->unique = TRAIN_NEW(hfy_real, 255 * BITS);
  for (i = 0; i < 255; i++) set_pattern(t->unique + i * BITS, i + 1);
}

static void make_latch(task *t) {
  static twister random;
  train_bags *d = &t->data;
  size_t i;
  twister_seed(&random, 43);
  for (i = 0; i < d->bags * t->rows_each; i++) {
    const size_t letter = 2 + twister_below(&random, LETTERS - 2);
    if (i % t->rows_each) d->rows[i * LETTERS + letter] = 1;
  }
  for (i = 0; i < d->bags; i++) {
    d->label[i] = (double)twister_below(&random, 2);
    d->rows[i * t->rows_each * LETTERS + (size_t)d->label[i]] = 1;
  }
  t->uniques = LETTERS;
  t->unique = TRAIN_NEW(hfy_real, LETTERS * LETTERS);
  for (i = 0; i < LETTERS; i++) t->unique[i * LETTERS + i] = 1;
}

/* Both: a quarter of the bags validates, half of it from the beginning, half from the end. */
static void make_task(task *t) {
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
  (t->latch ? make_latch : make_bits)(t);
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
    n->layer.extra_steps = t->extra;
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
  const size_t extra = (size_t)train_option(argc, argv, "--extra", 3);
  const int only = (int)train_option(argc, argv, "--only", -1);
  size_t i, k, worst;
  double *all = TRAIN_NEW(double, 3 * seeds), mean[3], sd[3];
  train_options(argc, argv, "--latch --seeds --epochs --only --extra");
  printf("%s, %u epochs, %u seeds\n%-17s %-15s %-15s %-15s %-17s s a run\n",
         latch ? "latch: 4096 sequences of 32 letters, the first decides"
               : "bits: 2048 bags of 16 x 8 bits, 8 signals (published: 250 epochs)",
         (unsigned)epochs, (unsigned)seeds, "validation:", "at the end", "at its best", "training",
         latch ? "first without error" : "published end, best");
  for (i = 0; i < sizeof settings / sizeof *settings; i++) {
    const double begun = train_seconds();
    if (only >= 0 && (size_t)only != i) continue;
    for (worst = k = 0; k < seeds; k++) {
      task t = {{0, 0, NULL, NULL, NULL}, 0, NULL, 0, NULL, 0, NULL, 0, 0, 0, 0};
      double accuracy[3] = {0, 0, 0};
      size_t solved;
      t.latch = latch;
      t.epochs = epochs;
      t.extra = extra;
      make_task(&t);
      solved = run(&t, settings + i, k + 1, accuracy);
      if (solved > worst) worst = solved;
      all[k] = accuracy[0];
      all[seeds + k] = accuracy[1];
      all[2 * seeds + k] = accuracy[2];
      if (epochs > 20)
        fprintf(stderr, "%s, seed %u: %.4f %.4f %.4f\n", settings[i].name, (unsigned)(k + 1), accuracy[0], accuracy[1],
                accuracy[2]);
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
