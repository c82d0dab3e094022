/* needle.c: a bag of 300,000 sequences is positive if one in a hundred (or in a thousand) carries a motif.

   A sequence has 12 letters out of 20; in a positive bag a share `rate` of them holds a motif of 5 letters somewhere.
   Nothing is stored: sequence i of a bag is a function of (bag, i). A convolution over 5 letters with 32 kernels, the
   largest over the places, HopfieldPooling with trained state, a dense layer (DeepRC, Widrich et al. 2020, in small).
   Training draws `sample` sequences of each of 8 bags a step, half of them positive, out of 1024; AdamW, rate .003.
   Tested are 40 other bags, whole. Numbers: area under the ROC curve, mean +- sd of the seeds, and the scratch that the
   layer takes for a whole bag, which folding keeps far below keys and values for every row.
   Published, with a motif in backgrounds of another kind (MHN, Table A.1): 1 % 1.00, .1 % .98 +- .01.

     needle [--rate .01] [--seeds 5] [--steps 200] [--sample 5000] [--sequences 300000] */
#include "../hfy.h"

#include "train.h"

enum { LENGTH = 12, ALPHABET = 20, MOTIF = 5, KERNELS = 32, PLACES = LENGTH - MOTIF + 1 };
enum { BATCH = 8, TRAIN = 1024, TEST = 40 };

typedef struct model {
  train_net net;
  hfy_param table[2];
  hfy_optimiser how;
  hfy_real weight[(MOTIF * ALPHABET + 1) * KERNELS], grad[(MOTIF * ALPHABET + 1) * KERNELS];
  hfy_real moments[2 * (MOTIF * ALPHABET + 1) * KERNELS];
  unsigned char *letters, *where; /* of every row: its letters; the place where each kernel is largest, or PLACES */
  size_t room;
} model;

/* Sequence i of a bag; odd bags are positive. */
static void sequence(uint64_t seed, size_t bag, size_t i, double rate, unsigned char *letter) {
  static const unsigned char motif[MOTIF] = {3, 17, 8, 12, 5};
  hfy_rng rng = hfy_rng_seed(seed * 0x9E3779B97F4A7C15u + ((uint64_t)bag << 32) + i);
  uint64_t bits = hfy_rng_u64(&rng);
  size_t j;
  for (j = 0; j < LENGTH; j++, bits /= ALPHABET) letter[j] = (unsigned char)(bits % ALPHABET);
  if (bag % 2 && hfy_rng_uniform(&rng) < rate) memcpy(letter + train_below(&rng, PLACES), motif, MOTIF);
}

/* The largest answer of every kernel, cut at 0. */
static void embed(model *m, size_t rows) {
  const hfy_real *bias = m->weight + MOTIF * ALPHABET * KERNELS;
  size_t r, p, j, k;
  for (r = 0; r < rows; r++) {
    const unsigned char *letter = m->letters + r * LENGTH;
    unsigned char *where = m->where + r * KERNELS;
    hfy_real *most = m->net.x[0] + r * KERNELS, sum[KERNELS];
    memset(where, PLACES, KERNELS);
    for (k = 0; k < KERNELS; k++) most[k] = 0;
    for (p = 0; p < PLACES; p++) {
      memcpy(sum, bias, sizeof sum);
      for (j = 0; j < MOTIF; j++) {
        const hfy_real *w = m->weight + (j * ALPHABET + letter[p + j]) * KERNELS;
        for (k = 0; k < KERNELS; k++) sum[k] += w[k];
      }
      for (k = 0; k < KERNELS; k++)
        if (sum[k] > most[k]) {
          most[k] = sum[k];
          where[k] = (unsigned char)p;
        }
    }
  }
}

static void embed_back(model *m, size_t rows) {
  hfy_real *bias = m->grad + MOTIF * ALPHABET * KERNELS;
  size_t r, j, k;
  memset(m->grad, 0, sizeof m->grad);
  for (r = 0; r < rows; r++)
    for (k = 0; k < KERNELS; k++) {
      const size_t p = m->where[r * KERNELS + k];
      const hfy_real d = m->net.dx[0][r * KERNELS + k];
      if (p == PLACES) continue;
      bias[k] += d;
      for (j = 0; j < MOTIF; j++) m->grad[(j * ALPHABET + m->letters[r * LENGTH + p + j]) * KERNELS + k] += d;
    }
}

static void room(model *m, size_t rows, size_t bags) {
  train_net_room(&m->net, rows, bags, KERNELS);
  if (rows <= m->room) return;
  m->room = rows;
  m->letters = (unsigned char *)train_grow(m->letters, rows * LENGTH, 1);
  m->where = (unsigned char *)train_grow(m->where, rows * KERNELS, 1);
}

static void make_model(model *m, uint64_t seed) {
  const size_t weights = MOTIF * ALPHABET * KERNELS;
  hfy_rng rng = hfy_rng_seed(seed + 50);
  memset(m, 0, sizeof *m);
  snprintf(m->table[0].name, sizeof m->table[0].name, "conv.weight");
  snprintf(m->table[1].name, sizeof m->table[1].name, "conv.bias");
  m->table[0].rank = m->table[1].rank = 1;
  m->table[0].count = m->table[0].shape[0] = weights;
  m->table[1].offset = weights;
  m->table[1].count = m->table[1].shape[0] = KERNELS;
  m->table[0].start = m->table[1].start = HFY_PARAM_UNIFORM;
  m->table[0].spread = 0.5;
  m->table[1].spread = 0.1;
  train_must(hfy_param_init(m->table, 2, &rng, m->weight, &m->net.work), &m->net.work);
  m->net.layer.width = KERNELS;
  m->net.layer.queries = 1;
  m->net.layer.heads = 4;
  m->net.layer.head_width = 16;
  m->net.layer.norm_stored = m->net.layer.norm_projected = HFY_LAYER_RAW; /* no second copy of the rows */
  m->net.layer.beta = 1;
  m->net.out.in = KERNELS;
  m->net.out.out = 1;
  m->net.how.rate = m->how.rate = 3e-3;
  m->net.how.decay = m->how.decay = 0.01;
  train_net_make(&m->net);
  train_net_start(&m->net, seed);
}

typedef struct plan {
  double rate;
  size_t steps, sample, sequences, rows, scratch; /* scratch: bytes that a whole bag took */
} plan;

/* One step on sampled sequences of BATCH bags; returns the loss. */
static double step(model *m, const plan *p, uint64_t seed, hfy_rng *rng) {
  size_t bag[BATCH], i, j, rows = 0;
  double loss = 0;
  room(m, BATCH * p->sample, BATCH);
  for (i = 0; i < BATCH; i++) {
    bag[i] = 2 * train_below(rng, TRAIN / 2) + i % 2;
    m->net.rows[i] = p->sample;
    for (j = 0; j < p->sample; j++)
      sequence(seed, bag[i], train_below(rng, p->sequences), p->rate, m->letters + rows++ * LENGTH);
  }
  embed(m, rows);
  train_net_forward(&m->net, BATCH, 1);
  for (i = 0; i < BATCH; i++) {
    loss += train_loss(m->net.logit + i, 1, (double)(bag[i] % 2), m->net.dlogit + i) / BATCH;
    m->net.dlogit[i] = (hfy_real)((double)m->net.dlogit[i] / BATCH);
  }
  memset(m->net.grads, 0, m->net.count * sizeof *m->net.grads);
  train_net_backward(&m->net, BATCH, 1);
  embed_back(m, rows);
  train_must(hfy_optimiser_step(&m->how, m->table, 2, m->weight, m->grad, m->moments, NULL, &m->net.work),
             &m->net.work);
  train_must(hfy_optimiser_step(&m->net.how, m->net.table, m->net.entries, m->net.params, m->net.grads, m->net.moments,
                                NULL, &m->net.work), &m->net.work);
  return loss;
}

/* Area under the curve of TEST whole bags that training has not seen. */
static double run(plan *p, uint64_t seed) {
  static model m;
  double score[TEST], label[TEST], loss = 0;
  hfy_rng rng = hfy_rng_seed(seed);
  size_t i, j;
  make_model(&m, seed);
  for (i = 0; i < p->steps; i++) {
    loss += 0.1 * (step(&m, p, seed, &rng) - loss);
    if (i % 50 == 49)
      fprintf(stderr, "rate %g, seed %u, step %u: loss %.3f\n", p->rate, (unsigned)seed, (unsigned)i + 1, loss);
  }
  room(&m, p->sequences, 1);
  hfy_work_free(&m.net.work);
  m.net.work.peak = 0;
  for (i = 0; i < TEST; i++) {
    m.net.rows[0] = p->sequences;
    for (j = 0; j < p->sequences; j++) sequence(seed, TRAIN + i, j, p->rate, m.letters + j * LENGTH);
    embed(&m, p->sequences);
    train_net_forward(&m.net, 1, 0);
    score[i] = (double)m.net.logit[0];
    label[i] = (double)((TRAIN + i) % 2);
  }
  p->rows = p->sequences * KERNELS * sizeof(hfy_real);
  p->scratch = m.net.work.peak;
  train_net_free(&m.net);
  free(m.letters);
  free(m.where);
  return train_auc(score, label, TEST);
}

int main(int argc, char **argv) {
  const size_t seeds = (size_t)train_option(argc, argv, "--seeds", 5);
  const double begun = train_seconds();
  double *all = TRAIN_NEW(double, seeds), mean, sd;
  plan p;
  size_t i;
  memset(&p, 0, sizeof p);
  train_options(argc, argv, "--rate --seeds --steps --sample --sequences");
  p.rate = train_option(argc, argv, "--rate", 0.01);
  p.steps = (size_t)train_option(argc, argv, "--steps", 200);
  p.sample = (size_t)train_option(argc, argv, "--sample", 5000);
  p.sequences = (size_t)train_option(argc, argv, "--sequences", 300000);
  for (i = 0; i < seeds; i++) all[i] = run(&p, i + 1);
  train_mean(all, seeds, &mean, &sd);
  printf("%u sequences a bag, a motif in %g %% of them, %u seeds: AUC %.3f +- %.3f on %d bags, %.0f s a run\n"
         "a bag's rows take %.1f MiB, the layer's scratch %.3f MiB\n", (unsigned)p.sequences, 100 * p.rate,
         (unsigned)seeds, mean, sd, TEST, (train_seconds() - begun) / (double)seeds, (double)p.rows / 1048576,
         (double)p.scratch / 1048576);
  free(all);
  return 0;
}
