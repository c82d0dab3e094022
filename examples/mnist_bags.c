/* mnist_bags.c: is there a nine in the bag? Or two, three, five of them? Pooling by any separation (HFY, Table 4).

   Bags of handwritten digits, positive with at least K nines: 1000 bags of each class train, 500 validate, 500 test,
   their sizes, rounded and at least K (and k), normal with mean 10 11 12 14 and deviation 1 2 3 5 for K = 1 2 3 5; the
   nines of a positive bag are uniform on K .. size, of a negative one on 0 .. K-1. Training and validation take their
   pictures from MNIST's training set, the test from its test set. Two convolutions of 5 x 5 in steps of 2 (here: a
   dense layer over patches), a dense layer of 64, HopfieldPooling with 8 heads of 16, a dense layer. AdamW, rate .001,
   fading by .96 an epoch; the parameters of the best validation are tested, after 5 epochs without a better one (or
   --epochs) training stops. Published: 50 epochs, a wider network (Ilse et al. 2018), a grid of settings.
   Without the files digits are drawn of seven strokes: an easier task, and said so.

     mnist_bags [--all] [--K 1] [--seeds 5] [--epochs 12] [--bags 1000] [--channels 8] [--data DIRECTORY] */
#include "../hfy.h"

#include "train.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, PATCH = 5, EDGE1 = 12, EDGE2 = 4, FEATURES = 64, TARGET = 9 };

/* Pictures and what they show; of[0]: which are no nines, of[1]: which are. */
typedef struct digits {
  hfy_real *pixels;
  size_t count, *of[2], many[2];
} digits;

static void sort_digits(digits *d, const unsigned char *label) {
  size_t i;
  for (i = 0; i < 2; i++) {
    d->of[i] = TRAIN_NEW(size_t, d->count);
    d->many[i] = 0;
  }
  for (i = 0; i < d->count; i++) {
    const int nine = label[i] == TARGET;
    d->of[nine][d->many[nine]++] = i;
  }
}

/* A digit of seven strokes, moved and smeared. */
static void draw_digit(hfy_rng *rng, int digit, hfy_real *to) {
  static const unsigned char lit[10] = {0x77, 0x24, 0x5D, 0x6D, 0x2E, 0x6B, 0x7B, 0x25, 0x7F, 0x6F};
  static const int box[7][4] = {{4, 8, 12, 2},  {5, 7, 2, 8},   {5, 19, 2, 8}, {13, 8, 12, 2},
                                {14, 7, 2, 8}, {14, 19, 2, 8}, {22, 8, 12, 2}}; /* row, column, width, height */
  const int down = (int)train_below(rng, 5) - 2, right = (int)train_below(rng, 9) - 4;
  int s, x, y;
  for (s = 0; s < PIXELS; s++) to[s] = (hfy_real)(0.5 * hfy_rng_normal(rng) - 1);
  for (s = 0; s < 7; s++)
    for (y = 0; lit[digit] >> s & 1 && y < box[s][3]; y++)
      for (x = 0; x < box[s][2]; x++) to[(box[s][0] + y + down) * SIDE + box[s][1] + x + right] += (hfy_real)2;
}

/* MNIST's pictures from a directory, or drawn ones; returns 1 if these are MNIST's. A byte v becomes 2 v/255 - 1. */
static int get_digits(const char *directory, int test, digits *d) {
  static const char header[16] = {0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, SIDE, 0, 0, 0, SIDE}; /* but for the count */
  char path[512], *pixels, *text;
  unsigned char *label;
  size_t size = 0, labels = 0, i;
  hfy_rng rng = hfy_rng_seed(9 + (uint64_t)test);
  int real;
  snprintf(path, sizeof path, "%.400s/%s-labels-idx1-ubyte", directory, test ? "t10k" : "train");
  text = train_read(path, &labels);
  snprintf(path, sizeof path, "%.400s/%s-images-idx3-ubyte", directory, test ? "t10k" : "train");
  pixels = train_read(path, &size);
  real = pixels && text && size > 16 && labels >= 8 + (size - 16) / PIXELS && !memcmp(pixels, header, 4) &&
         !memcmp(pixels + 8, header + 8, 8);
  d->count = real ? (size - 16) / PIXELS : 4000;
  if (d->count > 30000) d->count = 30000;
  d->pixels = TRAIN_NEW(hfy_real, d->count * PIXELS);
  label = TRAIN_NEW(unsigned char, d->count);
  for (i = 0; i < d->count; i++) label[i] = real ? (unsigned char)text[8 + i] : (unsigned char)(i % 10);
  for (i = 0; real && i < d->count * PIXELS; i++)
    d->pixels[i] = (hfy_real)((unsigned char)pixels[16 + i] / 255.0 * 2 - 1);
  for (i = 0; !real && i < d->count; i++) draw_digit(&rng, label[i], d->pixels + i * PIXELS);
  sort_digits(d, label);
  free(label);
  free(pixels);
  free(text);
  return real;
}

/* Bags of numbers of pictures: which[first[b] .. first[b+1]-1]. */
typedef struct picture_bags {
  size_t bags, *first, *which;
  double *label;
} picture_bags;

static void make_bags(const digits *from, size_t K, size_t least, size_t bags, hfy_rng *rng, picture_bags *b) {
  const double mean = K == 1 ? 10 : K == 2 ? 11 : K == 3 ? 12 : 14, deviation = (double)K;
  size_t i, j, rows = 0;
  b->bags = bags;
  b->first = TRAIN_NEW(size_t, bags + 1);
  b->which = TRAIN_NEW(size_t, bags * 64);
  b->label = TRAIN_NEW(double, bags);
  for (i = 0; i < bags; i++) {
    const double drawn = floor(mean + deviation * hfy_rng_normal(rng) + 0.5);
    const size_t lowest = least > K ? least : K;
    const size_t size = drawn > 60 ? 60 : drawn > (double)lowest ? (size_t)drawn : lowest;
    const size_t nines = i % 2 ? K + train_below(rng, size - K + 1) : train_below(rng, K);
    b->label[i] = (double)(i % 2);
    for (j = 0; j < size; j++) {
      const int nine = j < nines;
      b->which[rows++] = from->of[nine][train_below(rng, from->many[nine])];
    }
    train_shuffle(rng, b->which + b->first[i], size);
    b->first[i + 1] = rows;
  }
}

static void free_bags(picture_bags *b) {
  free(b->first);
  free(b->which);
  free(b->label);
}

/* Two convolutions before a train_net. */
typedef struct model {
  train_net net;
  hfy_dense conv[2];
  hfy_param table[4];
  hfy_optimiser how;
  size_t at[2], count, room;
  hfy_real *params, *grads, *moments, *best;
  hfy_real *patches[2], *y[2], *dy[2], *dpatches;
} model;

static void make_model(model *m, size_t channels, const hfy_sep *sep, uint64_t seed) {
  hfy_rng rng = hfy_rng_seed(seed + 77);
  size_t i, got, entries = 0, end = 0;
  memset(m, 0, sizeof *m);
  m->conv[0].in = PATCH * PATCH;
  m->conv[0].out = channels;
  m->conv[1].in = PATCH * PATCH * channels;
  m->conv[1].out = 2 * channels;
  for (i = 0; i < 2; i++) {
    m->conv[i].kind = HFY_DENSE_RELU;
    m->at[i] = end;
    train_must(hfy_dense_params(m->conv + i, i ? "conv.1." : "conv.0.", end, m->table + entries, 4 - entries, &got,
                                &end, &m->net.work), &m->net.work);
    entries += got;
  }
  m->count = end;
  m->params = TRAIN_NEW(hfy_real, end);
  m->grads = TRAIN_NEW(hfy_real, end);
  m->moments = TRAIN_NEW(hfy_real, 2 * end);
  m->best = TRAIN_NEW(hfy_real, end);
  train_must(hfy_param_init(m->table, entries, &rng, m->params, &m->net.work), &m->net.work);
  m->net.embeds = 1;
  m->net.embed[0].in = EDGE2 * EDGE2 * 2 * channels;
  m->net.embed[0].out = FEATURES;
  m->net.embed[0].kind = HFY_DENSE_RELU;
  m->net.layer.width = FEATURES;
  m->net.layer.queries = 1;
  m->net.layer.heads = 8;
  m->net.layer.head_width = 16;
  m->net.layer.sep = *sep;
  m->net.out.in = FEATURES;
  m->net.out.out = 1;
  train_net_make(&m->net);
  train_net_start(&m->net, seed);
}

static void free_model(model *m) {
  size_t i;
  for (i = 0; i < 2; i++) {
    free(m->patches[i]);
    free(m->y[i]);
    free(m->dy[i]);
  }
  free(m->dpatches), free(m->params), free(m->grads), free(m->moments), free(m->best);
  train_net_free(&m->net);
}

/* Every patch of a picture of edge x edge points with c numbers each, in steps of 2; back: added from them. */
static void patches(hfy_real *picture, size_t edge, size_t c, size_t steps, hfy_real *patch, int back) {
  size_t y, x, r, i;
  for (y = 0; y < steps; y++)
    for (x = 0; x < steps; x++)
      for (r = 0; r < PATCH; r++, patch += PATCH * c) {
        hfy_real *at = picture + ((2 * y + r) * edge + 2 * x) * c;
        if (!back)
          memcpy(patch, at, PATCH * c * sizeof *patch);
        else
          for (i = 0; i < PATCH * c; i++) at[i] += patch[i];
      }
}

/* Bags order[0 .. bags-1] through the convolutions and the net. */
static void forward(model *m, const digits *d, const picture_bags *b, const size_t *order, size_t bags, int training) {
  const size_t c = m->conv[0].out, one = EDGE1 * EDGE1, two = EDGE2 * EDGE2;
  hfy_work *work = &m->net.work;
  size_t i, j, rows = 0;
  for (i = 0; i < bags; i++) rows += b->first[order[i] + 1] - b->first[order[i]];
  if (rows > m->room) {
    m->room = rows;
    for (i = 0; i < 2; i++) {
      const size_t places = i ? two : one;
      m->patches[i] = (hfy_real *)train_grow(m->patches[i], rows * places * m->conv[i].in, sizeof(hfy_real));
      m->y[i] = (hfy_real *)train_grow(m->y[i], rows * places * m->conv[i].out, sizeof(hfy_real));
      m->dy[i] = (hfy_real *)train_grow(m->dy[i], rows * places * m->conv[i].out, sizeof(hfy_real));
    }
    m->dpatches = (hfy_real *)train_grow(m->dpatches, rows * two * m->conv[1].in, sizeof(hfy_real));
  }
  train_net_room(&m->net, rows, bags, two * m->conv[1].out);
  for (i = rows = 0; i < bags; i++) {
    const size_t from = b->first[order[i]], to = b->first[order[i] + 1];
    m->net.rows[i] = to - from;
    for (j = from; j < to; j++, rows++)
      patches(d->pixels + b->which[j] * PIXELS, SIDE, 1, EDGE1, m->patches[0] + rows * one * m->conv[0].in, 0);
  }
  train_must(hfy_dense_forward(m->conv, m->params, m->patches[0], rows * one, m->y[0], work), work);
  for (i = 0; i < rows; i++)
    patches(m->y[0] + i * one * c, EDGE1, c, EDGE2, m->patches[1] + i * two * m->conv[1].in, 0);
  train_must(hfy_dense_forward(m->conv + 1, m->params + m->at[1], m->patches[1], rows * two, m->y[1], work), work);
  memcpy(m->net.x[0], m->y[1], rows * two * m->conv[1].out * sizeof(hfy_real));
  train_net_forward(&m->net, bags, training);
}

static void backward(model *m, size_t bags) {
  const size_t c = m->conv[0].out, one = EDGE1 * EDGE1, two = EDGE2 * EDGE2, rows = m->net.batch_rows;
  hfy_work *work = &m->net.work;
  hfy_real *to[2];
  size_t i;
  memset(m->grads, 0, m->count * sizeof *m->grads);
  memset(m->net.grads, 0, m->net.count * sizeof *m->net.grads);
  train_net_backward(&m->net, bags, 1);
  memset(m->dpatches, 0, rows * two * m->conv[1].in * sizeof(hfy_real));
  to[0] = m->dpatches;
  to[1] = m->grads + m->at[1];
  train_must(hfy_dense_backward(m->conv + 1, m->params + m->at[1], m->patches[1], m->y[1], m->net.dx[0], rows * two, to,
                                work), work);
  memset(m->dy[0], 0, rows * one * c * sizeof(hfy_real));
  for (i = 0; i < rows; i++)
    patches(m->dy[0] + i * one * c, EDGE1, c, EDGE2, m->dpatches + i * two * m->conv[1].in, 1);
  to[0] = NULL;
  to[1] = m->grads;
  train_must(hfy_dense_backward(m->conv, m->params, m->patches[0], m->y[0], m->dy[0], rows * one, to, work), work);
  m->how.rate = m->net.how.rate;
  train_must(hfy_optimiser_step(&m->how, m->table, 4, m->params, m->grads, m->moments, NULL, work), work);
  train_must(hfy_optimiser_step(&m->net.how, m->net.table, m->net.entries, m->net.params, m->net.grads, m->net.moments,
                                NULL, work), work);
}

/* All bags once, with steps (rng) or without (NULL); returns the share that is told right. */
static double pass(model *m, const digits *d, const picture_bags *b, hfy_rng *rng) {
  const size_t batch = 8;
  size_t *order = TRAIN_NEW(size_t, b->bags), from, i, bags;
  double right = 0;
  for (i = 0; i < b->bags; i++) order[i] = i;
  if (rng) train_shuffle(rng, order, b->bags);
  for (from = 0; from < b->bags; from += bags) {
    bags = b->bags - from < batch ? b->bags - from : batch;
    forward(m, d, b, order + from, bags, rng != NULL);
    for (i = 0; i < bags; i++) {
      const double label = b->label[order[from + i]];
      train_loss(m->net.logit + i, 1, label, m->net.dlogit + i);
      m->net.dlogit[i] = (hfy_real)((double)m->net.dlogit[i] / (double)bags);
      right += fabs(train_class(m->net.logit + i, 1) - label) < 0.5;
    }
    if (rng) backward(m, bags);
  }
  free(order);
  return right / (double)b->bags;
}

typedef struct plan {
  size_t K, bags, epochs, channels, seeds;
  const digits *train, *test;
} plan;

/* Trains, chooses the epoch by validation, returns the accuracy on the test bags. */
static double run(const plan *p, const hfy_sep *sep, uint64_t seed) {
  static model m;
  hfy_rng rng = hfy_rng_seed(seed);
  picture_bags b[3];
  const size_t least = sep->kind == HFY_SEP_KSUBSETS ? (size_t)sep->k : 1, others = p->bags / 4 + 1;
  size_t i, epoch, since = 0;
  double best = -1, tested;
  make_bags(p->train, p->K, least, 2 * p->bags, &rng, b);
  make_bags(p->train, p->K, least, 2 * others, &rng, b + 1);
  make_bags(p->test, p->K, least, 2 * others, &rng, b + 2);
  make_model(&m, p->channels, sep, seed);
  for (epoch = 0; epoch < p->epochs && since < 5; epoch++, since++) {
    double right;
    m.net.how.rate = 1e-3 * pow(0.96, (double)epoch);
    pass(&m, p->train, b, &rng);
    right = pass(&m, p->train, b + 1, NULL);
    if (right <= best) continue;
    best = right;
    since = 0;
    train_net_keep(&m.net, 0);
    memcpy(m.best, m.params, m.count * sizeof *m.params);
  }
  train_net_keep(&m.net, 1);
  memcpy(m.params, m.best, m.count * sizeof *m.params);
  tested = pass(&m, p->test, b + 2, NULL);
  free_model(&m);
  for (i = 0; i < 3; i++) free_bags(b + i);
  return tested;
}

static void line(const plan *p, const char *name, const hfy_sep *sep, const char *published) {
  const double begun = train_seconds();
  double *all = TRAIN_NEW(double, p->seeds), mean, sd;
  size_t i;
  for (i = 0; i < p->seeds; i++) all[i] = 100 * run(p, sep, i + 1);
  train_mean(all, p->seeds, &mean, &sd);
  printf("%-4u%-14s%5.1f +- %-8.1f%-14s%.1f\n", (unsigned)p->K, name, mean, sd, published,
         (train_seconds() - begun) / (double)p->seeds);
  fflush(stdout);
  free(all);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    hfy_sep_kind kind;
    double number;
    const char *published[4];
  } ways[] = {{"softmax", HFY_SEP_SOFTMAX, 0, {"98.4 +- 0.2", "94.6 +- 0.5", "91.1 +- 0.5", "89.0 +- 0.3"}},
              {"1.5-entmax", HFY_SEP_ENTMAX, 1.5, {"97.6 +- 0.8", "96.0 +- 0.9", "90.4 +- 1.1", "92.4 +- 1.4"}},
              {"sparsemax", HFY_SEP_SPARSEMAX, 0, {"97.9 +- 0.2", "96.7 +- 0.5", "92.9 +- 0.9", "91.6 +- 1.0"}},
              {"2-normmax", HFY_SEP_NORMMAX, 2, {"97.9 +- 0.3", "96.6 +- 0.6", "93.9 +- 0.7", "92.4 +- 0.7"}},
              {"5-normmax", HFY_SEP_NORMMAX, 5, {"98.2 +- 0.5", "97.2 +- 0.3", "95.8 +- 0.4", "93.2 +- 0.5"}},
              {"2-subsets", HFY_SEP_KSUBSETS, 2, {"97.9 +- 0.3", "97.7 +- 0.3", "95.1 +- 0.5", "92.6 +- 1.1"}},
              {"3-subsets", HFY_SEP_KSUBSETS, 3, {"98.0 +- 0.6", "96.1 +- 1.0", "96.5 +- 0.5", "92.2 +- 1.2"}},
              {"5-subsets", HFY_SEP_KSUBSETS, 5, {"98.2 +- 0.4", "96.2 +- 1.4", "95.1 +- 1.1", "95.1 +- 1.5"}}};
  static const size_t Ks[] = {1, 2, 3, 5};
  const int all = train_option(argc, argv, "--all", 0) > 0;
  const size_t K = (size_t)train_option(argc, argv, "--K", 0);
  const char *directory = "../../shared/data/mnist";
  digits train, test;
  plan p;
  size_t i, j;
  int real;
  for (i = 1; i + 1 < (size_t)argc; i++)
    if (!strcmp(argv[i], "--data")) directory = argv[i + 1];
  p.seeds = (size_t)train_option(argc, argv, "--seeds", 5);
  p.epochs = (size_t)train_option(argc, argv, "--epochs", 12);
  p.bags = (size_t)train_option(argc, argv, "--bags", 1000);
  p.channels = (size_t)train_option(argc, argv, "--channels", 8);
  real = get_digits(directory, 0, &train) & get_digits(directory, 1, &test);
  p.train = &train;
  p.test = &test;
  if (!real) printf("no MNIST in %s: digits of seven strokes instead, not those of the published numbers\n", directory);
  printf("bags of digits, positive with at least K nines; %u bags of each class, %u seeds\n"
         "K   separation    test accuracy   published     s a run\n", (unsigned)p.bags, (unsigned)p.seeds);
  for (i = 0; i < 4; i++)
    for (j = 0; j < sizeof ways / sizeof *ways; j++) {
      hfy_sep sep;
      const int own = ways[j].kind == HFY_SEP_KSUBSETS && fabs(ways[j].number - (double)Ks[i]) < 0.5;
      if ((K && K != Ks[i]) || !(all || own || ways[j].kind == HFY_SEP_SOFTMAX)) continue;
      memset(&sep, 0, sizeof sep);
      sep.kind = ways[j].kind;
      sep.k = sep.alpha = sep.gamma = ways[j].number;
      p.K = Ks[i];
      line(&p, ways[j].name, &sep, ways[j].published[i]);
    }
  for (i = 0; i < 2; i++) {
    free(train.of[i]);
    free(test.of[i]);
  }
  free(train.pixels);
  free(test.pixels);
  return 0;
}
