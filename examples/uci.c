/* uci.c: small tables of the UCI collection, their fixed folds, and two Hopfield layers as classifiers.

   21 of the 75 sets of MHN's Table 2: 200 to 1000 rows, numbers standardised, four test folds, each with a validation
   fold. Candidates, of which the one with the best validation accuracy (ties: the first) is tested:
     neighbours  the training rows are stored, one-hot labels are their values, one read-out: softmax of
                 -beta |x - y|^2 / 2 with 6 betas, or k-subsets with a beta so large that the k nearest vote, 5 ks
     lookup      HopfieldLayer: 1 or 8 trained stored patterns a class behind 0 or 1 SELU layers of --width; beta 1 or
                 .1; plain gradient descent, rate .05, four rows a step, --epochs; kept are the parameters of the best
                 mean of 16 validation accuracies in a row (MHN, Table A.3, has 7 layers, 32 heads and width 1024 too)
   Numbers: accuracy of each set, mean over its folds, and of all. uci.py gives those of an SVC and a random forest on
   the same folds, and the mean ranks.

     uci [--sets 21] [--epochs 0] [--width 32] [--data DIRECTORY]     --epochs 0: neighbours alone, seconds */
#include "../hfy.h"

#include "train.h"

enum { FOLDS = 4, BETAS = 6, KS = 5, NEAR = BETAS + KS, LOOKUPS = 8 };
enum { CANDIDATES = NEAR + LOOKUPS, MEAN = 16, MOST = 10000 };

typedef struct table {
  train_bags data; /* a bag a row */
  size_t classes;
  double *fold[2]; /* FOLDS numbers a row, 1: in it; of test and validation */
  size_t *list[3], many[3]; /* rows of one fold: training, validation, test */
} table;

static double *read_part(const char *directory, const char *set, const char *part, size_t *count) {
  char path[600];
  char *text;
  double *x = NULL;
  snprintf(path, sizeof path, "%.400s/%.80s/%.80s_py.dat", directory, set, part);
  text = train_read(path, NULL);
  *count = 0;
  if (text) x = train_numbers(text, count);
  free(text);
  return x;
}

/* 0: a table; 1: there is none. */
static int read_table(const char *directory, const char *set, table *t) {
  size_t n, numbers, folds, i;
  double *x = read_part(directory, set, set, &numbers);
  train_bags *d = &t->data;
  memset(t, 0, sizeof *t);
  d->label = read_part(directory, set, "labels", &n);
  t->fold[0] = read_part(directory, set, "folds", &folds);
  t->fold[1] = read_part(directory, set, "validation_folds", &i);
  if (!x || !n || n > MOST || numbers % n || folds != FOLDS * n || i != FOLDS * n) {
    free(x);
    return 1;
  }
  d->bags = n;
  d->width = numbers / n;
  d->rows = TRAIN_NEW(hfy_real, numbers);
  d->first = TRAIN_NEW(size_t, n + 1);
  for (i = 0; i < numbers; i++) d->rows[i] = (hfy_real)x[i];
  for (i = 0; i < n; i++) {
    d->first[i + 1] = i + 1;
    if ((size_t)d->label[i] + 1 > t->classes) t->classes = (size_t)d->label[i] + 1;
  }
  for (i = 0; i < 3; i++) t->list[i] = TRAIN_NEW(size_t, n);
  free(x);
  return 0;
}

static void free_table(table *t) {
  size_t i;
  train_bags_free(&t->data);
  for (i = 0; i < 2; i++) free(t->fold[i]);
  for (i = 0; i < 3; i++) free(t->list[i]);
}

static void split(table *t, size_t f) {
  size_t i;
  for (i = 0; i < 3; i++) t->many[i] = 0;
  for (i = 0; i < t->data.bags; i++) {
    const size_t part = t->fold[0][i * FOLDS + f] > 0 ? 2 : t->fold[1][i * FOLDS + f] > 0 ? 1 : 0;
    t->list[part][t->many[part]++] = i;
  }
}

/* Accuracy on validation and test rows of one read-out from the training rows. */
static void neighbours(const table *t, size_t which, double right[2]) {
  static const double betas[BETAS] = {0.25, 0.5, 1, 2, 4, 8}, ks[KS] = {1, 3, 5, 9, 15};
  const size_t D = t->data.width, n = t->many[0], classes = t->classes;
  hfy_real *stored = TRAIN_NEW(hfy_real, n * (D + 1)), *value = TRAIN_NEW(hfy_real, n * classes), *state, *out;
  hfy_layer layer;
  hfy_layer_input in;
  hfy_work work;
  size_t part, i, j;
  memset(&layer, 0, sizeof layer);
  memset(&in, 0, sizeof in);
  memset(&work, 0, sizeof work);
  layer.width = layer.stored_width = layer.head_width = D + 1; /* x.y - |y|^2/2: one more coordinate, 1 in a state */
  layer.projected_width = layer.value_width = classes;
  layer.flags = HFY_LAYER_NO_OUT | HFY_LAYER_NO_BIAS;
  layer.norm_state = layer.norm_stored = layer.norm_projected = HFY_LAYER_RAW;
  layer.static_state = layer.static_stored = layer.static_projected = 1;
  layer.beta = which < BETAS ? betas[which] : 1e4;
  if (which >= BETAS) {
    layer.sep.kind = HFY_SEP_KSUBSETS;
    layer.sep.k = ks[which - BETAS] < (double)n ? ks[which - BETAS] : 1;
  }
  for (i = 0; i < n; i++) {
    const hfy_real *x = t->data.rows + t->list[0][i] * D;
    double square = 0;
    for (j = 0; j < D; j++) {
      stored[i * (D + 1) + j] = x[j];
      square += (double)x[j] * (double)x[j];
    }
    stored[i * (D + 1) + D] = (hfy_real)(-square / 2);
    value[i * classes + (size_t)t->data.label[t->list[0][i]]] = 1;
  }
  in.bags = 1;
  in.stored_each = n;
  in.stored = stored;
  in.projected = value;
  for (part = 1; part < 3; part++) {
    const size_t many = t->many[part];
    state = TRAIN_NEW(hfy_real, many * (D + 1));
    out = TRAIN_NEW(hfy_real, many * classes);
    for (i = 0; i < many; i++) {
      memcpy(state + i * (D + 1), t->data.rows + t->list[part][i] * D, D * sizeof *state);
      state[i * (D + 1) + D] = 1;
    }
    in.state_each = many;
    in.state = state;
    train_must(hfy_layer_forward(&layer, value /* it has none */, &in, out, NULL, NULL, &work), &work);
    right[part - 1] = 0;
    for (i = 0; i < many; i++)
      right[part - 1] += (fabs(train_class(out + i * classes, classes) - t->data.label[t->list[part][i]]) < 0.5) /
                         (double)many;
    free(state);
    free(out);
  }
  hfy_work_free(&work);
  free(stored);
  free(value);
}

/* Trains a lookup; the same two accuracies, where the mean of MEAN validations is best. */
static void lookup(const table *t, size_t which, size_t width, size_t epochs, double right[2]) {
  static train_net zero;
  train_net net = zero, *n = &net;
  hfy_rng rng = hfy_rng_seed(which + 1);
  double recent[MEAN] = {0}, best = -1;
  size_t epoch, i;
  if (which & 1) {
    n->embeds = 1;
    n->embed[0].in = t->data.width;
    n->embed[0].out = width;
    n->embed[0].kind = HFY_DENSE_SELU;
  }
  n->layer.width = which & 1 ? width : t->data.width;
  n->layer.memories = t->classes * (which & 2 ? 8 : 1);
  n->layer.head_width = n->layer.value_width = 32;
  n->layer.beta = which & 4 ? 0.1 : 1;
  n->out.in = n->layer.width;
  n->out.out = t->classes;
  n->how.sgd = 1;
  n->how.rate = 0.05;
  n->how.clip = 1;
  train_net_make(n);
  train_net_start(n, which + 1);
  train_net_keep(n, 0);
  for (epoch = 0; epoch < epochs; epoch++) {
    double mean = 0;
    train_net_epoch(n, &t->data, t->list[0], t->many[0], 4, &rng);
    recent[epoch % MEAN] = train_net_pass(n, &t->data, t->list[1], t->many[1], 256, 0, NULL).right;
    for (i = 0; i < MEAN; i++) mean += recent[i] / MEAN;
    if (mean <= best) continue;
    best = mean;
    train_net_keep(n, 0);
  }
  train_net_keep(n, 1);
  for (i = 0; i < 2; i++)
    right[i] = train_net_pass(n, &t->data, t->list[i + 1], t->many[i + 1], 256, 0, NULL).right;
  train_net_free(n);
}

/* Accuracy on the test fold of the candidate that validates best. */
static double test_fold(table *t, size_t f, size_t candidates, size_t width, size_t epochs, size_t *chosen) {
  double best = -1, tested = 0;
  size_t c;
  split(t, f);
  for (c = 0; c < candidates; c++) {
    double right[2] = {0, 0};
    if (c < NEAR)
      neighbours(t, c, right);
    else
      lookup(t, c - NEAR, width, epochs, right);
    if (right[0] <= best) continue;
    best = right[0];
    tested = right[1];
    *chosen = c;
  }
  return tested;
}

int main(int argc, char **argv) {
  static const char *const names[] = {
    "blood_transfusion", "breast_cancer", "congressional_voting", "conn_bench_sonar_mines_rocks", "credit_approval",
    "cylinder_bands", "ecoli", "energy_y2", "glass_identification", "haberman_survival", "heart_cleveland",
    "horse_colic", "led_display", "mammographic", "monks_2", "primary_tumor", "statlog_australian_credit",
    "statlog_german_credit", "statlog_heart", "vertebral_column2", "vertebral_column3"};
  const size_t sets = (size_t)train_option(argc, argv, "--sets", 21);
  const size_t epochs = (size_t)train_option(argc, argv, "--epochs", 0);
  const size_t width = (size_t)train_option(argc, argv, "--width", 32);
  const size_t candidates = epochs ? CANDIDATES : NEAR;
  const char *directory = "../../shared/data/uci";
  double all = 0;
  size_t i, f, done = 0, chosen[FOLDS] = {0};
  for (i = 1; i + 1 < (size_t)argc; i++)
    if (!strcmp(argv[i], "--data")) directory = argv[i + 1];
  printf("%-32s accuracy  candidate chosen in each fold (0-%d neighbours, from %d on lookups)\n", "set", NEAR - 1,
         NEAR);
  for (i = 0; i < sets && i < sizeof names / sizeof *names; i++) {
    table t;
    double sum = 0;
    if (read_table(directory, names[i], &t)) {
      free_table(&t);
      continue;
    }
    printf("%-32s ", names[i]);
    for (f = 0; f < FOLDS; f++) sum += test_fold(&t, f, candidates, width, epochs, chosen + f) / FOLDS;
    printf("%.4f   ", sum);
    for (f = 0; f < FOLDS; f++) printf(" %u", (unsigned)chosen[f]);
    printf("\n");
    fflush(stdout);
    all += sum;
    done++;
    free_table(&t);
  }
  if (done)
    printf("%-32s %.4f\n", "mean", all / (double)done);
  else
    printf("no sets in %s: NAME/NAME_py.dat, labels_py.dat, folds_py.dat, validation_folds_py.dat (Hopular, MIT)\n",
           directory);
  return 0;
}
