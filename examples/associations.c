/* associations.c: a memory that answers with several patterns at once.

   A sequence of labelled pictures is stored in order: a word, a letter a picture, or the first pictures of an IDX file.
   The query is a mixture, the sum of a few of them with noise, and one step of three memories answers:

     sparsemax               one pattern, or a blend of a few
     k-subsets               the k members, wherever they stand
     sequential k-subsets    k members, the more so if they are neighbours: a contiguous run

   First the mixture is of letters here and there, then of a run with a gap that a letter elsewhere tries to fill.
   At the end a structure of one's own: a tree over the letters, with its MAP oracle in twenty lines (a forest search).

   associations [IDX|- [K [PNG]]]    pictures of an IDX file (MNIST, unpacked; - for the letters), K of them at a time
                                     (default 3), and a sheet of questions (left) and answers as PNG
   Exit status 1 if an answer is not what it should be. */
#include "../hfy.h"
#include "images.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEIGHT = 7, WIDTH = 5, SHOWN = 10, MOST = 60 };

static const char *const drawn[HEIGHT] = {
  ".###. ####. .###. ####. ##### ##### .###. #...# .###. ..### #...# #....",
  "#...# #...# #...# #...# #.... #.... #...# #...# ..#.. ...#. #..#. #....",
  "#...# #...# #.... #...# #.... #.... #.... #...# ..#.. ...#. #.#.. #....",
  "##### ####. #.... #...# ####. ####. #.### ##### ..#.. ...#. ##... #....",
  "#...# #...# #.... #...# #.... #.... #...# #...# ..#.. ...#. #.#.. #....",
  "#...# #...# #...# #...# #.... #.... #...# #...# ..#.. #..#. #..#. #....",
  "#...# ####. .###. ####. ##### #.... .###. #...# .###. .##.. #...# #####",
};

static void stop_on(hfy_status status, const hfy_work *work) {
  if (!status) return;
  fprintf(stderr, "%s: %s\n", hfy_status_text(status), work->message);
  exit(1);
}

/* Our letters as an IDX file would hold them. */
static images letters(void) {
  images all = {0};
  size_t i, y, x;
  all.count = all.in_file = 12, all.height = HEIGHT, all.width = WIDTH;
  all.pixels = (hfy_real *)malloc(all.count * HEIGHT * WIDTH * sizeof *all.pixels);
  if (!all.pixels) exit(1);
  for (i = 0; i < all.count; i++)
    for (y = 0; y < HEIGHT; y++)
      for (x = 0; x < WIDTH; x++)
        all.pixels[(i * HEIGHT + y) * WIDTH + x] = (hfy_real)(drawn[y][i * (WIDTH + 1) + x] == '#' ? 1 : -1);
  return all;
}

/* --- a structure of one's own: subtrees --- */

/* Connected pieces of a tree that hold its root, with exactly `k` nodes: parent[i] < i, parent[0] = 0. */
typedef struct tree {
  size_t n, k;
  const size_t *parent;
} tree;

/* best[i][j]: the best connected piece of j nodes below and with node i, children merged one after another, as in a
   knapsack. take[c][j]: how many of j nodes child c gets once it has been merged into its parent. O(n k^2). */
static size_t tree_oracle(const hfy_structure *structure, const double *unary, const double *higher, size_t *on,
                          void *scratch) {
  const tree *t = (const tree *)structure->context;
  size_t n = t->n, k = t->k, i, j, c, count = 0, width = k + 1;
  double *best = (double *)scratch, *merged = best + n * width;
  size_t *take = (size_t *)(void *)(merged + width), *room = take + n * width;
  (void)higher;
  for (i = 0; i < n; i++)
    for (j = 0; j <= k; j++) best[i * width + j] = j == 0 ? 0 : j == 1 ? unary[i] : -HUGE_VAL;
  for (c = n; c-- > 1;) { /* children stand behind their parents */
    double *up = best + t->parent[c] * width, *own = best + c * width;
    merged[0] = 0;
    take[c * width] = 0;
    for (j = 1; j <= k; j++) {
      merged[j] = -HUGE_VAL;
      take[c * width + j] = 0;
      for (i = 0; i < j; i++) /* i nodes from the child, at least the parent itself from above */
        if (up[j - i] + own[i] > merged[j]) merged[j] = up[j - i] + own[i], take[c * width + j] = i;
    }
    memcpy(up, merged, width * sizeof *up);
  }
  if (!(best[k] > -HUGE_VAL)) return SIZE_MAX;
  for (i = 0; i < n; i++) room[i] = 0;
  room[0] = k;
  for (c = 1; c < n; c++) { /* the way back: the last child merged comes first */
    room[c] = take[c * width + room[t->parent[c]]];
    room[t->parent[c]] -= room[c];
  }
  for (i = 0; i < n; i++)
    if (room[i]) on[count++] = i;
  return count;
}

static hfy_structure subtrees(const tree *t) {
  hfy_structure structure = {0};
  structure.unaries = t->n, structure.most = t->k, structure.oracle = tree_oracle, structure.context = t;
  structure.scratch = (t->n + 1) * (t->k + 1) * sizeof(double) + t->n * (t->k + 2) * sizeof(size_t);
  return structure;
}

/* --- the main job --- */

static hfy_rng rng;
static images_sheet sheet; /* three questions, each with two answers */

/* A mixture in the middle of its range; in the terminal (column 0) and on the sheet. */
static void show(const images *all, const hfy_real *picture, double members, size_t line, size_t column, int print) {
  size_t scale = 56 / all->width + 1, side = all->width > all->height ? all->width : all->height;
  double reach = sqrt(members) * 1.3;
  if (print) images_print(&picture, 1, all->height, all->width, all->width / 30 + 1, all->width, -reach, reach, 1);
  images_sheet_put(&sheet, 8 + line * (side * scale + 8), 8 + column * (side * scale + 8), picture, all->height,
                   all->width, scale, -reach, reach);
}

/* The sum of some pictures, each with a weight, and noise. */
static void mix(const images *all, const size_t *which, const double *weight, size_t k, double noise, hfy_real *q) {
  size_t i, d, dim = all->height * all->width;
  for (d = 0; d < dim; d++) {
    double sum = noise * hfy_rng_normal(&rng);
    for (i = 0; i < k; i++) sum += weight[i] * (double)all->pixels[which[i] * dim + d];
    q[d] = (hfy_real)sum;
  }
}

/* Asks, prints which pictures came back with which weight, and their sum; 1 if they are exactly the wanted ones. Answers
   go to this line and column of the sheet, if the column is not 0, and to the terminal from the last column. */
static int ask(const char *name, const hfy_net *net, const images *all, const hfy_real *q, const size_t *wanted, size_t k,
               size_t line, size_t column) {
  hfy_real weights[MOST], *out = (hfy_real *)malloc(net->dim * sizeof *out);
  hfy_report report = {0};
  hfy_work work = {0};
  size_t i, j, exact = 0, support = 0;
  if (!out) exit(1);
  report.weights = weights, report.support = &support;
  stop_on(hfy_retrieve(net, q, 1, out, &report, &work), &work);
  printf("%-21s", name);
  for (i = 0; i < net->count; i++) {
    if (!(weights[i] > 0)) continue;
    if (all->in_file == 12 && all->width == WIDTH)
      printf("  %c", (int)('A' + (int)i));
    else
      printf("  %lu", (unsigned long)i);
    if (weights[i] < 1) printf(" %.2f", (double)weights[i]);
    for (j = 0; j < k; j++) exact += wanted[j] == i && weights[i] >= 1;
  }
  putchar('\n');
  if (column) show(all, out, (double)k, line, column, column == 2);
  hfy_work_free(&work);
  free(out);
  return exact == k && support == k;
}

int main(int argc, char **argv) {
  images all;
  char message[300];
  hfy_net one = {0}, subsets, sequence, branches;
  hfy_theory_association terms = {0};
  hfy_work work = {0};
  const hfy_real *pictures[SHOWN];
  size_t i, k = argc > 2 ? strtoul(argv[2], NULL, 10) : 3, count, dim, apart[MOST], run[MOST], mixed[MOST + 1], parent[MOST];
  double even[MOST + 1], beta;
  hfy_real *q;
  int right = 0;
  if (argc > 1 && strcmp(argv[1], "-") != 0) {
    if (images_read_idx(&all, argv[1], MOST, message, sizeof message)) {
      fprintf(stderr, "%s\n", message);
      return 1;
    }
  } else {
    all = letters();
  }
  count = all.count, dim = all.height * all.width;
  if (k < 2 || 3 * k > count) {
    fprintf(stderr, "K is %lu; it should be at least 2 and at most a third of the %lu pictures\n", (unsigned long)k,
            (unsigned long)count);
    return 2;
  }
  if (argc > 3 && images_sheet_ask(argv[3])) {
    fprintf(stderr, "%s: cannot be written\n", argv[3]);
    return 1;
  }
  q = (hfy_real *)malloc(dim * sizeof *q);
  if (!q) return 1;
  rng = hfy_rng_seed(11);
  for (i = 0; i < count * dim; i++) { /* without the mean, pictures that share their background stand apart */
    static double mean[65536];
    size_t j;
    if (i >= dim || dim > 65536) break;
    for (j = 0, mean[i] = 0; j < count; j++) mean[i] += (double)all.pixels[j * dim + i] / (double)count;
    for (j = 0; j < count; j++) all.pixels[j * dim + i] -= (hfy_real)mean[i];
  }
  for (i = 0; i < count && i < SHOWN; i++) pictures[i] = all.pixels + i * dim;
  printf("stored in this order: %lu pictures of %lu x %lu, less their mean\n", (unsigned long)count,
         (unsigned long)all.height, (unsigned long)all.width);
  images_print(pictures, count < SHOWN ? count : all.width > 14 ? 4 : SHOWN, all.height, all.width, all.width / 30 + 1,
               all.width + 2, -1.3, 1.3, 1);
  if (images_sheet_open(&sheet, 8 + 3 * ((all.height > all.width ? all.height : all.width) * (56 / all.width + 1) + 8),
                        8 + 3 * ((all.height > all.width ? all.height : all.width) * (56 / all.width + 1) + 8), 96))
    return 1;

  beta = 400 / (double)dim;
  one.dim = dim, one.count = count, one.keys = all.pixels, one.beta = beta, one.sep.kind = HFY_SEP_SPARSEMAX;
  one.max_steps = 5;
  subsets = sequence = branches = one;
  subsets.sep.kind = HFY_SEP_KSUBSETS, subsets.sep.k = (double)k;
  sequence.sep.kind = HFY_SEP_SEQUENCE_KSUBSETS, sequence.sep.k = (double)k, sequence.sep.transition = HUGE_VAL;

  for (i = 0; i < k; i++) apart[i] = i * (count / k), run[i] = count / 2 + i, even[i] = 1;
  mix(&all, apart, even, k, 0.3, q);
  printf("\nasked with the sum of %lu that stand apart, and noise\n", (unsigned long)k);
  show(&all, q, (double)k, 0, 0, 0);
  ask("sparsemax", &one, &all, q, apart, k, 0, 1);
  right += ask("k-subsets", &subsets, &all, q, apart, k, 0, 2);

  /* a run, its middle all but gone, and a stranger from elsewhere as strong as its ends */
  memcpy(mixed, run, sizeof run);
  mixed[k] = 0;
  even[k / 2] = 0.3, even[k] = 1;
  mix(&all, mixed, even, k + 1, 0.3, q);
  printf("\nasked with a run of %lu, one of them faint, and a stranger\n", (unsigned long)k);
  show(&all, q, (double)k, 1, 0, 0);
  ask("sparsemax", &one, &all, q, run, k, 1, 0);
  ask("k-subsets", &subsets, &all, q, run, k, 1, 1);
  right += ask("sequential k-subsets", &sequence, &all, q, run, k, 1, 2);

  stop_on(hfy_theory_associates(&sequence, run, k, &terms, &work), &work);
  printf("promised for that run: separation %.1f, needed %.2f, radius %.2f: %s\n", terms.separation, terms.needed,
         terms.radius, terms.radius > 0 ? "it stands still, and draws in what is nearer" : "nothing");

  /* a tree of one's own: node i hangs from (i-1)/2; the answer is a connected piece that holds the root */
  {
    tree t;
    hfy_structure structure;
    size_t branch[3] = {0, 2, 6};
    double strength[3] = {0.8, 0.15, 1}; /* the node between root and leaf is faint */
    for (i = 0; i < count; i++) parent[i] = i ? (i - 1) / 2 : 0;
    t.n = count, t.k = 3, t.parent = parent;
    structure = subtrees(&t);
    branches.sep.kind = HFY_SEP_SPARSEMAP, branches.sep.structure = &structure;
    mix(&all, branch, strength, 3, 0.3, q);
    printf("\nasked with a root, its leaf, and faintly the node between, on a tree\n");
    subsets.sep.k = 3;
    show(&all, q, 3, 2, 0, 0);
    ask("k-subsets", &subsets, &all, q, branch, 3, 2, 1);
    right += ask("subtrees", &branches, &all, q, branch, 3, 2, 2);
  }
  if (argc > 3 && images_sheet_write(&sheet, argv[3])) {
    fprintf(stderr, "%s: cannot be written\n", argv[3]);
    right = 0;
  }
  if (argc > 3) printf("\nwrote %s, %lu x %lu", argv[3], (unsigned long)sheet.width, (unsigned long)sheet.height);
  printf("\nright: %d of 3\n", right);
  hfy_work_free(&work);
  free(sheet.grey);
  free(all.pixels);
  free(q);
  return right != 3;
}
