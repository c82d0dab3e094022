/* hfy_metastable.c: HFY Table 3. The 60,000 training pictures are stored, every test picture is a query, five updates;
   counted is the support of the fifth update's p (softmax: its entries above 0.01).

   hfy_metastable MNIST_DIRECTORY [--out DIR] [--queries 10000] [--stored 60000]

   Writes DIR/metastable.csv and prints the table with the paper's number after each of ours. */
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include "reproduce.h"

enum { METHODS = 8, ROWS = 11, STEPS = 5, BATCH = 500, ABOVE = 100 };

static const struct method {
  const char *name;
  hfy_sep_kind kind;
  double parameter;
} methods[METHODS] = {
  {"softmax", HFY_SEP_SOFTMAX, 0},      {"1.5-entmax", HFY_SEP_ENTMAX, 1.5}, {"sparsemax", HFY_SEP_SPARSEMAX, 0},
  {"2-normmax", HFY_SEP_NORMMAX, 2},    {"5-normmax", HFY_SEP_NORMMAX, 5},   {"2-subsets", HFY_SEP_KSUBSETS, 2},
  {"4-subsets", HFY_SEP_KSUBSETS, 4},   {"8-subsets", HFY_SEP_KSUBSETS, 8}};

/* the paper's Table 3: sizes 1 .. 10 and more */
static const double paper[2][METHODS][ROWS] = {
  {{3.5, 2.1, 1.6, 1.2, 1.2, 0.9, 1.1, 0.8, 1.0, 1.1, 85.5},
   {69.2, 8.6, 3.9, 2.3, 1.6, 0.9, 0.6, 0.6, 0.3, 0.1, 11.9},
   {88.1, 5.2, 2.6, 1.6, 1.1, 0.8, 0.4, 0.1, 0.0, 0.0, 0.1},
   {81.4, 6.7, 1.9, 1.0, 0.9, 0.5, 0.4, 0.8, 0.5, 0.5, 5.4},
   {51.4, 31.4, 7.0, 2.1, 1.5, 1.5, 1.3, 1.0, 0.8, 0.6, 1.4},
   {0.0, 87.3, 6.1, 2.5, 2.0, 1.1, 0.6, 0.2, 0.1, 0.0, 0.1},
   {0.0, 0.0, 0.0, 80.0, 11.9, 4.4, 2.1, 1.0, 0.4, 0.1, 0.0},
   {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 60.0, 26.0, 9.2, 4.8}},
  {{97.8, 0.9, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1},
   {99.9, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0},
   {100.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0},
   {100.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0},
   {99.8, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0},
   {0.0, 99.9, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0},
   {0.0, 0.0, 0.0, 99.3, 0.7, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0},
   {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 95.0, 4.7, 0.2, 0.1}}};
static const double betas[2] = {0.1, 1};

int main(int argc, char **argv) {
  const char *out = option(argc, argv, "out", ".");
  static double share[2][METHODS][ROWS + 1]; /* [0]: no entry above 0.01 (softmax) */
  size_t b, m, r, i, j, queries;
  hfy_work work = {0};
  hfy_index index;
  hfy_net net;
  images stored, asked;
  hfy_real *state, *weight;
  size_t *support, bytes;
  void *memory;
  double worst[2] = {0, 0};
  time_t start = time(NULL);
  FILE *csv;
  if (argc < 2 || argv[1][0] == '-') die("usage: hfy_metastable MNIST_DIRECTORY [--out DIR] [--queries N] [--stored N]");
  stored = pictures(argv[1], "train-images-idx3-ubyte", (size_t)number(argc, argv, "stored", 0));
  asked = pictures(argv[1], "t10k-images-idx3-ubyte", (size_t)number(argc, argv, "queries", 0));
  if (stored.height * stored.width != asked.height * asked.width) die("stored and queries differ in size");
  queries = asked.count;
  memset(&net, 0, sizeof net);
  net.dim = stored.height * stored.width, net.count = stored.count, net.keys = stored.pixels;
  state = (hfy_real *)allocate(BATCH * net.dim, sizeof *state);
  weight = (hfy_real *)allocate(BATCH * ABOVE, sizeof *weight);
  support = (size_t *)allocate(BATCH, sizeof *support);
  bytes = hfy_index_size(net.count, net.dim, NULL);
  memory = allocate(bytes, 1);
  check(hfy_index_build(net.keys, net.count, net.dim, 0, NULL, memory, bytes, &index, &work), &work);
  for (b = 0; b < 2; b++)
    for (m = 0; m < METHODS; m++) {
      char what[80];
      memset(&net.sep, 0, sizeof net.sep);
      net.sep.kind = methods[m].kind;
      net.sep.alpha = net.sep.gamma = net.sep.k = methods[m].parameter;
      net.beta = betas[b];
      net.index = &index;
      snprintf(what, sizeof what, "%s, beta %g", methods[m].name, betas[b]);
      for (i = 0; i < queries; i += BATCH) {
        size_t n = queries - i < BATCH ? queries - i : BATCH;
        hfy_report report;
        memset(&report, 0, sizeof report);
        if (methods[m].kind == HFY_SEP_SOFTMAX) { /* the weights are asked of the last update only */
          net.max_steps = STEPS - 1;
          check(hfy_retrieve(&net, asked.pixels + i * net.dim, n, state, NULL, &work), &work);
          net.max_steps = 1;
          report.top = ABOVE, report.top_weight = weight; /* no more than 99 can be above 0.01 */
          check(hfy_retrieve(&net, state, n, state, &report, &work), &work);
        } else {
          net.max_steps = STEPS;
          report.support = support;
          check(hfy_retrieve(&net, asked.pixels + i * net.dim, n, state, &report, &work), &work);
        }
        for (j = 0; j < n; j++) {
          size_t size = 0;
          if (methods[m].kind == HFY_SEP_SOFTMAX)
            while (size < ABOVE && (double)weight[j * ABOVE + size] > 0.01) size++;
          else
            size = support[j];
          share[b][m][size < ROWS ? size : ROWS] += 100.0 / (double)queries;
        }
        progress(what, i + n, queries, start);
      }
    }
  csv = create(out, "metastable.csv");
  fprintf(csv, "beta,size,method,percent,paper\n");
  for (b = 0; b < 2; b++) {
    printf("\nbeta = %g: percent of %lu queries over %lu patterns, ours (paper)\n%-14s", betas[b],
           (unsigned long)queries, (unsigned long)net.count, "size");
    for (m = 0; m < METHODS; m++) printf(" %15s", methods[m].name);
    printf("\n");
    for (r = 1; r <= ROWS; r++) {
      char size[16];
      snprintf(size, sizeof size, r < ROWS ? "%lu" : "10+", (unsigned long)r);
      printf("%-14s", size);
      for (m = 0; m < METHODS; m++) {
        /* the paper counts rows without an entry above 0.01 as 10+ */
        double ours = share[b][m][r], theirs = paper[b][m][r - 1], same = ours;
        if (r == ROWS) same += share[b][m][0];
        if (fabs(same - theirs) > worst[b]) worst[b] = fabs(same - theirs);
        printf("   %5.2f (%5.1f)", ours, theirs);
        fprintf(csv, "%g,%s,%s,%.4f,%.1f\n", betas[b], size, methods[m].name, ours, theirs);
      }
      printf("\n");
    }
    printf("%-14s", "none > 0.01");
    for (m = 0; m < METHODS; m++) {
      printf("   %5.2f  %6s", share[b][m][0], "");
      fprintf(csv, "%g,none,%s,%.4f,\n", betas[b], methods[m].name, share[b][m][0]);
    }
    printf("\nlargest difference from the paper (none > 0.01 counted as 10+, as there): %.2f points\n", worst[b]);
  }
  done(csv, "metastable.csv");
  printf("\n%.0f seconds\n", seconds_since(start));
  hfy_work_free(&work);
  free(state), free(weight), free(support), free(memory), free(stored.pixels), free(asked.pixels);
  return 0;
}
