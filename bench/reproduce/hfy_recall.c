/* hfy_recall.c: HFY Figures 4 and 6 (how much of a memory of pictures is recalled, against its size and beta) and 5 and 7
   (what is recalled, as pictures). The cue is the first picture of the memory; 20 inner steps; lambda 1e9, tau 1e-3;
   sequential: t 1e8, omega 1.1, inner beta 1 and a bare cue as printed, for rho = 1 and for the paper's regulariser rho =
   2. What the default's cue changes is in hfy_sequence.c.

   hfy_recall IDX_DIRECTORY [--out DIR] [--draws 5] [--largest 1024] [--largest_sequence 1024] [--seed 1] [--shown 32]

   Writes DIR/recall.csv (medians and quartiles over the draws: unique ratio; Levenshtein coefficient against 1, 2, ...,
   N, which a perfect run misses by its last item), DIR/recall_free.ppm and DIR/recall_sequence.ppm: a row a method,
   framed in red what is repeated (free) or does not follow its predecessor (sequence). */
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include "reproduce.h"

static const struct method {
  const char *name;
  hfy_recall_kind kind;
  double alpha, rho;
} methods[] = {{"bounded sparsemax", HFY_RECALL_BOUNDED, 0, 0},
               {"penalised softmax", HFY_RECALL_PENALISED, 1, 0},
               {"penalised 1.5-entmax", HFY_RECALL_PENALISED, 1.5, 0},
               {"penalised sparsemax", HFY_RECALL_PENALISED, 2, 0},
               {"sequential softmax rho 1", HFY_RECALL_SEQUENTIAL, 1, 1},
               {"sequential 1.5-entmax rho 1", HFY_RECALL_SEQUENTIAL, 1.5, 1},
               {"sequential sparsemax rho 1", HFY_RECALL_SEQUENTIAL, 2, 1},
               {"sequential softmax rho 2", HFY_RECALL_SEQUENTIAL, 1, 2},
               {"sequential 1.5-entmax rho 2", HFY_RECALL_SEQUENTIAL, 1.5, 2},
               {"sequential sparsemax rho 2", HFY_RECALL_SEQUENTIAL, 2, 2}};
enum { METHODS = sizeof methods / sizeof *methods };

static hfy_work work;
static size_t *items, *following;

/* Recalls N pictures; items gets what came. */
static void recall(const struct method *m, const hfy_recall *settings, double beta, const hfy_real *keys, size_t N,
                   size_t dim, double *unique, double *order) {
  hfy_net net;
  hfy_recall how = *settings;
  memset(&net, 0, sizeof net);
  net.dim = dim, net.count = N, net.keys = keys, net.beta = beta;
  net.sep.kind = HFY_SEP_ENTMAX, net.sep.alpha = m->alpha;
  how.kind = m->kind, how.rho = m->rho;
  check(hfy_recall_all(&net, &how, keys, N, items, NULL, &work), &work);
  check(hfy_recall_unique(items, N, N, unique, &work), &work);
  check(hfy_recall_levenshtein(items, N, following, N, NULL, order, &work), &work);
}

/* A sheet of the recalled pictures: rows of up to 32, `marked` ones in a red frame. */
static void put(unsigned char *rgb, size_t width, size_t row, size_t column, const images *all, size_t which,
                int marked) {
  size_t y, x, c, side = all->width + 2;
  for (y = 0; y < all->height + 2; y++)
    for (x = 0; x < side; x++) {
      unsigned char *at = rgb + ((row * (all->height + 2) + y) * width + column * side + x) * 3;
      int frame = !y || !x || y == all->height + 1 || x == side - 1;
      for (c = 0; c < 3; c++)
        at[c] = frame ? (unsigned char)(marked ? (c ? 0 : 255) : 90)
                      : (unsigned char)(127.5 * (1 + (double)all->pixels[(which * all->height + y - 1) * all->width + x - 1]));
    }
}

static void sheet(const char *out, const char *name, const images *all, const size_t *chosen, size_t first, size_t last,
                  const hfy_recall *settings, size_t N, const hfy_real *keys) {
  size_t dim = all->height * all->width, width = N * (all->width + 2), m, i, j;
  size_t height = (last - first) * (all->height + 2);
  unsigned char *rgb = (unsigned char *)allocate(width * height, 3);
  FILE *file = create(out, name);
  for (m = first; m < last; m++) {
    double unique, order;
    recall(methods + m, settings, 0.1, keys, N, dim, &unique, &order);
    printf("%-28s %lu pictures: unique %.3f, order %.3f:", methods[m].name, (unsigned long)N, unique, order);
    for (i = 0; i < N; i++) {
      int marked = 0;
      if (items[i] == SIZE_MAX) break;
      for (j = 0; j < i; j++) marked |= items[j] == items[i];
      if (methods[m].kind == HFY_RECALL_SEQUENTIAL) marked = items[i] != (i ? items[i - 1] : 0) + 1;
      put(rgb, width, m - first, i, all, chosen[items[i]], marked);
      printf(" %lu", (unsigned long)items[i]);
    }
    printf("\n");
  }
  fprintf(file, "P6\n%lu %lu\n255\n", (unsigned long)width, (unsigned long)height);
  if (fwrite(rgb, width * 3, height, file) != height) die("%s: could not be written", name);
  done(file, name);
  free(rgb);
}

int main(int argc, char **argv) {
  const char *out = option(argc, argv, "out", ".");
  const size_t draws = (size_t)number(argc, argv, "draws", 5), largest = (size_t)number(argc, argv, "largest", 1024);
  const size_t longest = (size_t)number(argc, argv, "largest_sequence", 1024);
  const size_t shown = (size_t)number(argc, argv, "shown", 32);
  const uint64_t seed = (uint64_t)number(argc, argv, "seed", 1);
  static const double betas[] = {1 / 32.0, 1 / 16.0, 0.125, 0.25, 0.5, 1, 2, 4, 8}; /* Figure 4, below */
  enum { BETAS = sizeof betas / sizeof *betas };
  images all;
  size_t dim, N, i, m, j, s, *chosen, sizes = 0, most;
  hfy_real *keys;
  hfy_recall settings;
  FILE *csv;
  time_t start = time(NULL);
  if (argc < 2 || argv[1][0] == '-') die("usage: hfy_recall IDX_DIRECTORY [--out DIR] [--draws 5] [--largest 1024]");
  all = pictures(argv[1], "train-images-idx3-ubyte", 0);
  dim = all.height * all.width;
  most = largest > 128 ? largest : 128;
  if (most > all.count || largest < 2 || !draws || shown < 2 || shown > most) die("a size that makes no sense");
  for (N = 2; N <= largest; N *= 2) sizes++;
  keys = (hfy_real *)allocate(most * dim, sizeof *keys);
  chosen = (size_t *)allocate(most, sizeof *chosen);
  items = (size_t *)allocate(most, sizeof *items), following = (size_t *)allocate(most, sizeof *following);
  for (i = 0; i < most; i++) following[i] = i + 1;
  memset(&settings, 0, sizeof settings);
  settings.bare_cue = 1;
  csv = create(out, "recall.csv");
  fprintf(csv, "against,method,beta,stored,unique,unique25,unique75,order,order25,order75\n");
  for (s = 0; s < sizes + BETAS; s++) { /* first against size at beta 0.1, then against beta at 128 */
    const int by_beta = s >= sizes;
    double unique[METHODS][64], order[METHODS][64];
    N = by_beta ? 128 : (size_t)2 << s;
    if (draws > 64) die("--draws: 64 at most");
    for (j = 0; j < draws; j++) {
      char what[60];
      hfy_rng rng = hfy_rng_seed(seed + 1000 * j + N);
      draw(&rng, all.count, N, chosen);
      for (i = 0; i < N; i++) memcpy(keys + i * dim, all.pixels + chosen[i] * dim, dim * sizeof *keys);
      for (m = 0; m < METHODS; m++) {
        if (methods[m].kind == HFY_RECALL_SEQUENTIAL && (by_beta || N > longest)) continue;
        recall(methods + m, &settings, by_beta ? betas[s - sizes] : 0.1, keys, N, dim, unique[m] + j, order[m] + j);
      }
      snprintf(what, sizeof what, "%lu stored, beta %g", (unsigned long)N, by_beta ? betas[s - sizes] : 0.1);
      progress(what, s * draws + j + 1, (sizes + BETAS) * draws, start);
    }
    for (m = 0; m < METHODS; m++) {
      if (methods[m].kind == HFY_RECALL_SEQUENTIAL && (by_beta || N > longest)) continue;
      fprintf(csv, "%s,%s,%g,%lu", by_beta ? "beta" : "size", methods[m].name, by_beta ? betas[s - sizes] : 0.1,
              (unsigned long)N);
      fprintf(csv, ",%.4f", quantile(unique[m], draws, 0.5));
      fprintf(csv, ",%.4f,%.4f", quantile(unique[m], draws, 0.25), quantile(unique[m], draws, 0.75));
      fprintf(csv, ",%.4f", quantile(order[m], draws, 0.5));
      fprintf(csv, ",%.4f,%.4f\n", quantile(order[m], draws, 0.25), quantile(order[m], draws, 0.75));
    }
  }
  done(csv, "recall.csv");
  { /* Figures 5 and 7, with their own settings */
    hfy_rng rng = hfy_rng_seed(seed);
    draw(&rng, all.count, shown, chosen);
    for (i = 0; i < shown; i++) memcpy(keys + i * dim, all.pixels + chosen[i] * dim, dim * sizeof *keys);
    settings.inner_steps = 5, settings.penalty = 1e8;
    sheet(out, "recall_free.ppm", &all, chosen, 0, 4, &settings, shown, keys);
    settings.inner_steps = 100, settings.penalty = 1e9, settings.transition = 1e5;
    sheet(out, "recall_sequence.ppm", &all, chosen, 4, METHODS, &settings, shown, keys);
  }
  hfy_work_free(&work);
  free(keys), free(chosen), free(items), free(following), free(all.pixels);
  return 0;
}
