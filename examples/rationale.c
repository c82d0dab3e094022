/* rationale.c: which words decide? Sequential k-subsets mark a passage, k-subsets single words (HFY, 7.6).

   Generated texts of 40 words: 40 of the 120 words of the language tell, half of them good, half bad. A passage of 5
   neighbours holds the verdict: each of its words tells it with probability .6, the others are plain words that belong
   to the passage all the same. Outside three words tell good or bad at random. A rationaliser sees only the verdict:
   embeddings of 16 numbers, HopfieldPooling with one head by softmax, k-subsets or sequential k-subsets (k = 5), a
   dense layer. Its rationale are the 5 heaviest words. Numbers, on other texts: accuracy, and F1 of the rationale
   against the passage, mean +- sd of the seeds.
   Published on BeerAdvocate, overlap with people's rationales (HFY, Table 6): sequential above plain k-subsets.

     rationale [--seeds 5] [--epochs 10] [--texts 1000] [--transition 1] */
#include "../hfy.h"

#include "train.h"

enum { WORDS = 120, TELL = 20, LENGTH = 40, SPAN = 5, NOISE = 3, EMBED = 16 };

/* Texts as one-hot rows, and where their passages begin. */
static size_t *make_texts(train_bags *d, size_t texts, uint64_t seed) {
  hfy_rng rng = hfy_rng_seed(seed);
  size_t *begin = TRAIN_NEW(size_t, texts), i, j;
  d->bags = texts;
  d->width = WORDS;
  d->rows = TRAIN_NEW(hfy_real, texts * LENGTH * WORDS);
  d->first = TRAIN_NEW(size_t, texts + 1);
  d->label = TRAIN_NEW(double, texts);
  for (i = 0; i < texts; i++) {
    size_t word[LENGTH];
    const size_t good = i % 2;
    d->label[i] = (double)good;
    d->first[i + 1] = (i + 1) * LENGTH;
    begin[i] = train_below(&rng, LENGTH - SPAN + 1);
    for (j = 0; j < LENGTH; j++) word[j] = 2 * TELL + train_below(&rng, WORDS - 2 * TELL);
    for (j = 0; j < SPAN; j++)
      if (hfy_rng_uniform(&rng) < 0.6) word[begin[i] + j] = good * TELL + train_below(&rng, TELL);
    for (j = 0; j < NOISE;) {
      const size_t at = train_below(&rng, LENGTH);
      if (at + 1 >= begin[i] && at <= begin[i] + SPAN) continue;
      word[at] = train_below(&rng, 2 * TELL);
      j++;
    }
    for (j = 0; j < LENGTH; j++) d->rows[(i * LENGTH + j) * WORDS + word[j]] = 1;
  }
  return begin;
}

/* F1 of the SPAN heaviest words: as many as the passage has, so precision and recall are the same. */
static double overlap(const hfy_real *weight, size_t begin) {
  double hit = 0;
  size_t i, j;
  for (i = 0; i < SPAN; i++) {
    size_t heavier = 0;
    const hfy_real w = weight[begin + i];
    for (j = 0; j < LENGTH; j++) heavier += weight[j] > w || (weight[j] >= w && j < begin + i);
    hit += heavier < SPAN;
  }
  return hit / SPAN;
}

/* Trains on one set of texts; accuracy and F1 on another. */
static void run(const hfy_sep *sep, size_t texts, size_t epochs, uint64_t seed, double answer[2]) {
  static train_net zero;
  train_net net = zero, *n = &net;
  train_bags d[2];
  hfy_layer_report report;
  hfy_rng rng = hfy_rng_seed(seed);
  size_t *begin[2], *which = TRAIN_NEW(size_t, texts), i;
  hfy_real *weights = TRAIN_NEW(hfy_real, texts * LENGTH);
  for (i = 0; i < 2; i++) begin[i] = make_texts(d + i, texts, 2 * seed + i);
  for (i = 0; i < texts; i++) which[i] = i;
  n->embeds = 1;
  n->embed[0].in = WORDS;
  n->embed[0].out = EMBED;
  n->embed[0].no_bias = 1;
  n->layer.width = EMBED;
  n->layer.queries = 1;
  n->layer.beta = 1;
  n->layer.sep = *sep;
  n->out.in = EMBED;
  n->out.out = 1;
  n->how.rate = 3e-3;
  n->how.decay = 0.01;
  train_net_make(n);
  train_net_start(n, seed);
  for (i = 0; i < epochs; i++) train_net_epoch(n, d, which, texts, 8, &rng);
  answer[0] = train_net_pass(n, d + 1, which, texts, texts, 0, NULL).right;
  memset(&report, 0, sizeof report);
  report.weights = weights;
  train_must(hfy_layer_forward(&n->layer, n->params + n->at[TRAIN_DENSE], &n->in, n->said, NULL, &report, &n->work),
             &n->work);
  for (answer[1] = 0, i = 0; i < texts; i++) answer[1] += overlap(weights + i * LENGTH, begin[1][i]) / (double)texts;
  train_net_free(n);
  for (i = 0; i < 2; i++) {
    train_bags_free(d + i);
    free(begin[i]);
  }
  free(which);
  free(weights);
}

int main(int argc, char **argv) {
  static const char *const names[] = {"softmax", "k-subsets", "sequential k-subsets"};
  static const hfy_sep_kind kinds[] = {HFY_SEP_SOFTMAX, HFY_SEP_KSUBSETS, HFY_SEP_SEQUENCE_KSUBSETS};
  const size_t seeds = (size_t)train_option(argc, argv, "--seeds", 5);
  const size_t epochs = (size_t)train_option(argc, argv, "--epochs", 10);
  const size_t texts = (size_t)train_option(argc, argv, "--texts", 1000);
  double *all = TRAIN_NEW(double, 2 * seeds), mean[2], sd[2];
  size_t i, k;
  train_options(argc, argv, "--seeds --epochs --texts --transition");
  printf("%u texts of %d words, a passage of %d decides, %u seeds\n"
         "%-22saccuracy           F1 of the rationale   s a run\n",
         (unsigned)texts, LENGTH, SPAN, (unsigned)seeds, "pooling");
  for (i = 0; i < 3; i++) {
    const double begun = train_seconds();
    hfy_sep sep;
    memset(&sep, 0, sizeof sep);
    sep.kind = kinds[i];
    sep.k = SPAN;
    sep.transition = train_option(argc, argv, "--transition", 1);
    for (k = 0; k < seeds; k++) {
      double answer[2];
      run(&sep, texts, epochs, k + 1, answer);
      all[k] = answer[0];
      all[seeds + k] = answer[1];
    }
    for (k = 0; k < 2; k++) train_mean(all + k * seeds, seeds, mean + k, sd + k);
    printf("%-22s%.3f +- %.3f     %.3f +- %.3f        %.1f\n", names[i], mean[0], sd[0], mean[1], sd[1],
           (train_seconds() - begun) / (double)seeds);
    fflush(stdout);
  }
  free(all);
  return 0;
}
