/* mil.c: which pictures show a fox, a tiger, an elephant, told from their segments: HopfieldPooling.

   200 bags (pictures) of about 7 rows (segments) of 230 numbers, half of them positive. Two dense layers of 32 with
   ReLU, HopfieldPooling with 12 heads of 32, a dense layer (HFY, C.3). AdamW, rate .001 fading by .98 an epoch, four
   bags a step, at most 50 epochs; the parameters of the least validation loss are kept, after 8 epochs without a lesser
   one training stops. Ten folds: one tests, the next one validates, eight train. beta .1, 1 or 10 and dropout of the
   weights 0 or .75 are chosen by AUC on validation folds alone, never by test folds:
     HFY's way       once, as the mean over the folds of the first repeat; then it holds for all repeats
     --nested        MHN's: in every fold of every repeat anew
   The number: AUC on the test folds, mean over ten; mean +- sd of the repeats, each with other folds and seeds.

     mil [--set 0..2] [--nested] [--repeats 5] [--folds 10] [--epochs 50] [--k 0] [--data DIRECTORY]
   --k 2: 2-subsets instead of softmax. Without the files bags are drawn: a positive one has one row moved. */
#include "../hfy.h"

#include "train.h"

enum { WIDTH = 230, BAGS = 200, FOLDS = 10, EMBED = 32, HEADS = 12, SETTINGS = 6 };

typedef struct plan {
  const train_bags *data;
  size_t folds, repeats, epochs;
  int nested;
  double k;
} plan;

/* Bags of 4 .. 9 rows of noise; one row of a positive bag is moved along a fixed direction. */
static void draw_bags(train_bags *d) {
  hfy_rng rng = hfy_rng_seed(5);
  size_t b, i, rows = 0;
  d->bags = BAGS;
  d->width = WIDTH;
  d->rows = TRAIN_NEW(hfy_real, BAGS * 9 * WIDTH);
  d->first = TRAIN_NEW(size_t, BAGS + 1);
  d->label = TRAIN_NEW(double, BAGS);
  for (b = 0; b < BAGS; b++) {
    const size_t many = 4 + train_below(&rng, 6);
    d->label[b] = (double)(b % 2);
    for (i = 0; i < many * WIDTH; i++)
      d->rows[rows * WIDTH + i] = (hfy_real)(hfy_rng_normal(&rng) + (b % 2 && i < 20 ? 1.5 : 0));
    rows += many;
    d->first[b + 1] = rows;
  }
}

static void setting(size_t which, double *beta, double *dropout) {
  static const double betas[] = {0.1, 1, 10};
  *beta = betas[which / 2];
  *dropout = which % 2 ? 0.75 : 0;
}

/* Trains on all but two folds; auc[0]: of the validation fold, auc[1]: of the test fold. */
static void run(const plan *p, const size_t *fold, size_t test, size_t which, uint64_t seed, double auc[2]) {
  static train_net zero;
  train_net net = zero, *n = &net;
  const train_bags *d = p->data;
  hfy_rng rng = hfy_rng_seed(seed);
  size_t *list[3], many[3] = {0, 0, 0}, i, epoch, since = 0;
  double best = HUGE_VAL, *score = TRAIN_NEW(double, d->bags), *label = TRAIN_NEW(double, d->bags);
  for (i = 0; i < 3; i++) list[i] = TRAIN_NEW(size_t, d->bags);
  for (i = 0; i < d->bags; i++) {
    const size_t part = fold[i] == test ? 1 : fold[i] == (test + 1) % FOLDS ? 0 : 2;
    list[part][many[part]++] = i;
  }
  n->embeds = 2;
  n->embed[0].in = WIDTH;
  n->embed[0].out = n->embed[1].in = n->embed[1].out = EMBED;
  n->embed[0].kind = n->embed[1].kind = HFY_DENSE_RELU;
  n->layer.width = EMBED;
  n->layer.queries = 1;
  n->layer.heads = HEADS;
  n->layer.head_width = 32;
  setting(which, &n->layer.beta, &n->layer.dropout);
  if (p->k > 0) {
    n->layer.sep.kind = HFY_SEP_KSUBSETS;
    n->layer.sep.k = p->k;
  }
  n->out.in = EMBED;
  n->out.out = 1;
  n->how.decay = 0.01;
  train_net_make(n);
  train_net_start(n, seed);
  for (epoch = 0; epoch < p->epochs && since < 8; epoch++, since++) {
    double loss;
    n->how.rate = 1e-3 * pow(0.98, (double)epoch);
    train_net_epoch(n, d, list[2], many[2], 4, &rng);
    loss = train_net_pass(n, d, list[0], many[0], 64, 0, NULL).loss;
    if (loss >= best) continue;
    best = loss;
    since = 0;
    train_net_keep(n, 0);
  }
  train_net_keep(n, 1);
  for (i = 0; i < 2; i++) {
    size_t j;
    train_net_pass(n, d, list[i], many[i], 64, 0, score);
    for (j = 0; j < many[i]; j++) label[j] = d->label[list[i][j]];
    auc[i] = train_auc(score, label, many[i]);
  }
  train_net_free(n);
  for (i = 0; i < 3; i++) free(list[i]);
  free(score);
  free(label);
}

/* One repeat: mean AUC of the test folds. *chosen: the setting for all folds, or SETTINGS: to be chosen here. */
static double repeat(const plan *p, size_t number, size_t *chosen) {
  const train_bags *d = p->data;
  hfy_rng rng = hfy_rng_seed(100 + number);
  size_t *fold = TRAIN_NEW(size_t, d->bags), f, s, best, most = SETTINGS;
  double valid[SETTINGS] = {0}, test[SETTINGS] = {0}, sum = 0, top = -1;
  train_folds(&rng, d->label, d->bags, 2, FOLDS, fold);
  for (f = 0; f < p->folds; f++) {
    double here = -1, tested = 0;
    for (s = 0; s < SETTINGS; s++) {
      double auc[2];
      if (!p->nested && *chosen < SETTINGS && s != *chosen) continue;
      run(p, fold, f, s, 1000 * number + 10 * f + 1, auc);
      valid[s] += auc[0];
      test[s] += auc[1] / (double)p->folds;
      if (auc[0] <= here) continue;
      here = auc[0];
      tested = auc[1];
    }
    sum += tested / (double)p->folds;
  }
  free(fold);
  for (best = s = 0; s < most; s++)
    if (valid[s] > top) top = valid[best = s];
  if (p->nested) return sum;
  if (*chosen == SETTINGS) *chosen = best;
  return test[*chosen];
}

int main(int argc, char **argv) {
  static const char *const names[] = {"fox", "tiger", "elephant"};
  static const char *const published[3][2] = {{"66.4 +- 2.0", "64.05 +- 0.4"}, {"87.1 +- 1.6", "91.3 +- 0.5"},
                                              {"92.6 +- 0.6", "94.9 +- 0.3"}};
  const char *directory = "../../shared/data/mil";
  const int only = (int)train_option(argc, argv, "--set", -1);
  plan p;
  size_t i, r;
  double *all;
  for (i = 1; i + 1 < (size_t)argc; i++)
    if (!strcmp(argv[i], "--data")) directory = argv[i + 1];
  p.nested = train_option(argc, argv, "--nested", 0) > 0;
  p.repeats = (size_t)train_option(argc, argv, "--repeats", 5);
  p.folds = (size_t)train_option(argc, argv, "--folds", FOLDS);
  p.epochs = (size_t)train_option(argc, argv, "--epochs", 50);
  p.k = train_option(argc, argv, "--k", 0);
  all = TRAIN_NEW(double, p.repeats);
  printf("AUC in %%, %u test folds of ten, %u repeats; settings chosen on validation folds, %s\n"
         "set        AUC             HFY            MHN             setting          s a repeat\n", (unsigned)p.folds,
         (unsigned)p.repeats, p.nested ? "in every fold (MHN)" : "once (HFY)");
  for (i = 0; i < 3; i++) {
    train_bags data;
    char path[512];
    const double begun = train_seconds();
    double mean, sd, beta, dropout;
    size_t chosen = SETTINGS;
    int drawn;
    if (only >= 0 && (size_t)only != i) continue;
    snprintf(path, sizeof path, "%.400s/%s_100x100.svm", directory, names[i]);
    drawn = train_read_mil(path, WIDTH, &data);
    if (drawn) {
      printf("%s is not there: drawn bags instead\n", path);
      train_bags_free(&data);
      draw_bags(&data);
    }
    p.data = &data;
    for (r = 0; r < p.repeats; r++) all[r] = 100 * repeat(&p, r, &chosen);
    train_mean(all, p.repeats, &mean, &sd);
    printf("%-11s%.1f +- %-8.1f%-15s%-16s", names[i], mean, sd, drawn ? "-" : published[i][0],
           drawn ? "-" : published[i][1]);
    setting(chosen % SETTINGS, &beta, &dropout);
    if (p.nested)
      printf("one a fold       ");
    else
      printf("beta %-3g drop %-4g", beta, dropout);
    printf("%.0f\n", (train_seconds() - begun) / (double)p.repeats);
    fflush(stdout);
    train_bags_free(&data);
    if (drawn) break;
  }
  free(all);
  return 0;
}
