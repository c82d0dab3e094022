/* hfy.c: associative memories from the command line.

       make -C examples hfy             examples/build/hfy; hfy-static: one file that needs no library (musl)
       hfy --help, man docs/hfy.1       what it does

   Arrays come as .npy, IDX, or numbers in text, from files or a pipe (-); memories are the files of store.h. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "../hfy.h"

#include "images.h"
#include "store.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <time.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#define isatty _isatty
#else
#include <unistd.h>
#endif

/* ------------------------------------------------------------------------------------------------------------------
   the command line
   ------------------------------------------------------------------------------------------------------------------ */
enum { RECALL = 1, STORE = 2, INFO = 4, INDEX = 8, BETA = 16, RADIUS = 32, BENCH = 64 };
enum { MEMORY = RECALL | STORE | BETA | RADIUS | BENCH };

static const struct command {
  const char *name, *arguments;
  int bit, least, most; /* files */
  const char *line, *more, *example;
} commands[] = {
    {"recall", "KEYS QUERIES", RECALL, 2, 2, "ask a memory: which rows of KEYS each query recalls",
     "KEYS is an array, whose rows have the ids 0, 1, ..., or a memory that\n"
     "`hfy store` made. Prints id, score and weight of a row per line, the\n"
     "heaviest first, and its label if there is one; with more than one query\n"
     "the query's number comes first. Rows of weight 0 are not listed, so a\n"
     "sparse separation may list fewer than --top. The score is beta times the\n"
     "similarity.\n",
     "seq 1 64 | hfy recall keys.npy - --top 3"},
    {"store", "MEMORY [ROWS]", STORE, 1, 2, "keep a memory in a file: add and remove rows, change settings",
     "MEMORY is made if it is not there. Rows get the ids after the largest\n"
     "there is. The file is a safetensors file with a checksum; it is replaced\n"
     "only once the new one is complete.\n",
     "hfy store words.memory vectors.npy --labels words.txt --beta 2"},
    {"info", "FILE", INFO, 1, 1, "what an array or a memory holds", "", "hfy info words.memory"},
    {"index", "KEYS", INDEX, 1, 1, "prepare a memory: what an index weighs, and how well it fits",
     "A memory of 4096 rows or more that can use an index gets one when it is\n"
     "saved; this makes one now, whatever the size, and saves it. Of an array\n"
     "it only tells what an index would be.\n",
     "hfy index words.memory"},
    {"beta", "KEYS", BETA, 1, 1, "suggest beta from the gaps between rows",
     "The gap of a row is how much more similar it is to itself than any other\n"
     "row is. Sparse separations recall a row exactly from beta = margin / gap\n"
     "on; softmax gives it 0.99 of the weight at ln(99 (N-1)) / gap. Listed is\n"
     "the beta that serves so many of the rows; suggested is twice that of\n"
     "95 %, which leaves half of a gap to noise.\n",
     "hfy beta keys.npy --sep sparsemax --sim euclidean"},
    {"radius", "KEYS", RADIUS, 1, 1, "what is promised: from how far a row is recalled exactly",
     "For dot and euclidean, and separations with a margin. One step takes every\n"
     "query within the radius of a row to that row.\n",
     "hfy radius keys.npy --beta 2"},
    {"bench", "KEYS [QUERIES]", BENCH, 1, 2, "how long a query takes on this machine",
     "Without QUERIES rows of KEYS are asked for, with noise of a tenth of their\n"
     "spread.\n",
     "hfy bench keys.npy --sep sparsemax --beta 2"},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static struct settings {
  const char *sim, *sep, *out, *shape, *labels, *remove;
  double beta, alpha, gamma, k;
  uint64_t top, steps, sample, json, help;
} set = {NULL, NULL, NULL, NULL, NULL, NULL, -1, -1, -1, -1, 5, 0, 1000, 0, 0};

/* kind: 's' text, 'f' flag, 'z' whole number >= low, 'd' number >= low, 'o' number > low */
static const struct option {
  const char *name, *value;
  int commands;
  char kind;
  void *into;
  double low;
  const char *help;
} options[] = {
    {"--top", "N", RECALL, 'z', &set.top, 1, "rows to list per query (5)"},
    {"--sim", "NAME", MEMORY, 's', &set.sim, 0, "similarity: dot cosine euclidean manhattan (dot)"},
    {"--sep", "NAME", MEMORY, 's', &set.sep, 0,
     "separation: softmax sparsemax entmax normmax ksubsets\n"
     "                  argmax exp ... (softmax; beta, radius: sparsemax)"},
    {"--beta", "B", MEMORY & ~BETA, 'o', &set.beta, 0, "inverse temperature (dot: 1/sqrt(dim), else 1)"},
    {"--alpha", "A", MEMORY, 'o', &set.alpha, 0, "index of entmax (1.5)"},
    {"--gamma", "G", MEMORY, 'd', &set.gamma, 1, "index of normmax (2)"},
    {"--k", "K", MEMORY, 'o', &set.k, 0, "how many rows ksubsets and argmax choose (1)"},
    {"--steps", "N", RECALL | STORE | BENCH, 'z', &set.steps, 1, "updates at most (1)"},
    {"--labels", "FILE", STORE, 's', &set.labels, 0, "labels of ROWS, a line each (or an IDX file of bytes)"},
    {"--remove", "IDS", STORE, 's', &set.remove, 0, "remove these rows: 3,17"},
    {"--sample", "N", BETA | RADIUS, 'z', &set.sample, 1, "rows that are looked at, evenly spread (1000)"},
    {"--out", "FILE", RECALL, 's', &set.out, 0, "write what is recalled, as .npy, .csv, .png or .pgm"},
    {"--shape", "HxW", RECALL, 's', &set.shape, 0, "of a row as a picture (28x28; as square as can be)"},
    {"--json", NULL, ~0, 'f', &set.json, 0, "JSON, one object per line"},
    {"--help", NULL, ~0, 'f', &set.help, 0, "this text (-h too)"},
};
#define OPTIONS (sizeof options / sizeof options[0])

static const struct command *command;

/* Says what is wrong on stderr and ends: status 2 for a command line, 1 for a file or a failure. */
static void stop(int status, const char *words, ...) {
  va_list list;
  fflush(stdout);
  fprintf(stderr, "hfy%s%s: ", command ? " " : "", command ? command->name : "");
  va_start(list, words);
  vfprintf(stderr, words, list);
  va_end(list);
  fputc('\n', stderr);
  if (status == 2) fprintf(stderr, "hfy %s%s--help tells more\n", command ? command->name : "", command ? " " : "");
  exit(status);
}

static void stop_on(hfy_status status, const char *what, const char *message) {
  if (status) stop(1, "%s: %s", what, message && *message ? message : hfy_status_text(status));
}

static void *need(size_t count, size_t size) {
  void *memory = count <= (size_t)PTRDIFF_MAX / size ? malloc(count ? count * size : 1) : NULL;
  if (!memory) stop(1, "no memory for %lu x %lu bytes", (unsigned long)count, (unsigned long)size);
  return memory;
}

static void help_all(void) {
  size_t i;
  puts("usage: hfy COMMAND FILES [OPTIONS]\n\n"
       "Associative memories: stored rows, recalled from broken or similar ones.\n\ncommands, each with an example");
  for (i = 0; i < COMMANDS; i++)
    printf("  %s %s\n      %s\n      %s\n", commands[i].name, commands[i].arguments, commands[i].line,
           commands[i].example);
  puts("\nFILES are arrays (.npy; IDX, whose bytes become -1 .. 1; numbers in text,\n"
       "a row per line, separated by blanks, commas or semicolons) or memories\n"
       "that `hfy store` made; - is the standard input. Numbers that are a column\n"
       "or a line are cut into rows of the memory's length.\n"
       "`hfy COMMAND --help` tells more; `hfy --version` prints the version and\n"
       "the instruction set.\n"
       "Exit status: 0; 1 a file or a failure; 2 a wrong command line.");
}

static void help_one(void) {
  size_t i;
  printf("usage: hfy %s %s [OPTIONS]\n\n%s\n%s\noptions (default)\n", command->name, command->arguments, command->line,
         command->more);
  for (i = 0; i < OPTIONS; i++)
    if (options[i].commands & command->bit)
      printf("  %-8s %-5s  %s\n", options[i].name, options[i].value ? options[i].value : "", options[i].help);
  printf("\nexample\n  %s\n", command->example);
}

static void read_number(const struct option *o, const char *text) {
  char *end = NULL;
  double v;
  errno = 0;
  if (o->kind == 'z') {
    unsigned long long whole = isdigit((unsigned char)text[0]) ? strtoull(text, &end, 10) : 0;
    if (!end || *end || errno || (double)whole < o->low || whole > SIZE_MAX / 64)
      stop(2, "%s is \"%s\"; it should be a whole number, %g or more", o->name, text, o->low);
    *(uint64_t *)o->into = whole;
    return;
  }
  v = strtod(text, &end);
  if (end == text || *end || !(o->kind == 'o' ? v > o->low : v >= o->low))
    stop(2, "%s is \"%s\"; it should be a number %s %g%s", o->name, text, o->kind == 'o' ? "above" : "from", o->low,
         o->kind == 'o' ? "" : " on");
  *(double *)o->into = v;
}

/* --name value, --name=value, or a flag; what is no option is a file. Returns how many files. */
static int read_options(int argc, char **argv, const char **files) {
  int a, n = 0;
  size_t i;
  for (a = 2; a < argc; a++) {
    const char *name = strcmp(argv[a], "-h") == 0 ? "--help" : argv[a], *value;
    const size_t length = strcspn(name, "=");
    if (name[0] != '-' || !name[1]) {
      if (n == command->most)
        stop(2, "\"%s\" is a file too many; it should be: hfy %s %s", name, command->name, command->arguments);
      files[n++] = name;
      continue;
    }
    for (i = 0; i < OPTIONS; i++)
      if (strlen(options[i].name) == length && !memcmp(name, options[i].name, length)) break;
    if (i == OPTIONS || !(options[i].commands & command->bit))
      stop(2, "there is no option \"%.*s\" here; it should be one of those that --help lists", (int)length, name);
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
  if (!set.help && n < command->least)
    stop(2, "%d of its files missing; it should be: hfy %s %s", command->least - n, command->name, command->arguments);
  return n;
}

static int look_up(const char *option, const char *text, const char *const *names, int count) {
  int i;
  for (i = 0; i < count; i++)
    if (!strcmp(names[i], text)) return i;
  fprintf(stderr, "hfy %s: %s is \"%s\"; it should be one of", command->name, option, text);
  for (i = 0; i < count; i++) fprintf(stderr, " %s", names[i]);
  fprintf(stderr, "\nhfy %s --help tells more\n", command->name);
  exit(2);
}

/* Puts what the options say into a net. */
static void take_settings(hfy_net *net) {
  if (set.sim) net->sim = (hfy_sim)look_up("--sim", set.sim, store_sims, 4);
  if (set.sep) net->sep.kind = (hfy_sep_kind)look_up("--sep", set.sep, store_seps, 14);
  if (net->sep.kind == HFY_SEP_SPARSEMAP)
    stop(2, "--sep is \"sparsemap\", which needs a structure; it should be another");
  if (set.beta > 0) net->beta = set.beta;
  if (set.alpha > 0) net->sep.alpha = set.alpha;
  if (set.gamma > 0) net->sep.gamma = set.gamma;
  if (set.k > 0) net->sep.k = set.k;
  if (set.steps) net->max_steps = (size_t)set.steps;
}

/* ------------------------------------------------------------------------------------------------------------------
   progress: a line on a terminal, from the first second on
   ------------------------------------------------------------------------------------------------------------------ */
static double now(void) {
#ifdef STORE_POSIX
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
#else
  return (double)clock() / CLOCKS_PER_SEC;
#endif
}

static void progress(size_t done, size_t all, const char *what) {
  static double began, told;
  static int shown;
  const double t = now();
  if (!done) began = told = t;
  if (done && done < all && t - told > 0.5 && isatty(2)) {
    told = t, shown = 1;
    fprintf(stderr, "\r%lu of %lu %s, %.0f s left  ", (unsigned long)done, (unsigned long)all, what,
            (t - began) * (double)(all - done) / (double)done);
  }
  if (done == all && shown) fprintf(stderr, "\r%60s\r", ""), shown = 0;
}

/* ------------------------------------------------------------------------------------------------------------------
   arrays
   ------------------------------------------------------------------------------------------------------------------ */
typedef struct array {
  hfy_real *x;
  size_t rows, dim, height, width;
  char kind[40];
} array;

/* Up to `most` bytes of a file, with a 0 behind them. */
static unsigned char *slurp(const char *path, size_t most, size_t *size) {
  FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
  size_t room = 1 << 16, got = 1;
  unsigned char *bytes = NULL;
  if (!file) stop(1, "%s: cannot be opened", path);
#ifdef _WIN32
  if (file == stdin) _setmode(0, _O_BINARY);
#endif
  for (*size = 0; got && *size < most; *size += got) {
    if (!bytes || *size == room) bytes = (unsigned char *)realloc(bytes, (room *= 2) + 1);
    if (!bytes) stop(1, "%s: no memory for it", path);
    got = fread(bytes + *size, 1, room - *size < most - *size ? room - *size : most - *size, file);
  }
  if (ferror(file)) stop(1, "%s: cannot be read", path);
  if (file != stdin) fclose(file);
  bytes[*size] = 0;
  return bytes;
}

/* A file that may be opened again: no pipe. */
static int is_regular(const char *path) {
#ifdef STORE_POSIX
  struct stat about;
  return strcmp(path, "-") && !stat(path, &about) && S_ISREG(about.st_mode);
#else
  return strcmp(path, "-") != 0;
#endif
}

static int is_memory(const char *path) {
  size_t size;
  unsigned char *bytes;
  int is;
  if (!is_regular(path)) return 0;
  bytes = slurp(path, 64, &size);
  is = size > 40 && !memcmp(bytes + 8, STORE_FIRST, 25);
  free(bytes);
  return is;
}

/* bytes NULL: from the file itself. */
static void from_npy(array *a, const unsigned char *bytes, size_t size, const char *path) {
  hfy_work work;
  hfy_npy info;
  size_t i;
  memset(&work, 0, sizeof work);
  stop_on(bytes ? hfy_file_npy_parse(bytes, size, &info, &work) : hfy_file_npy_info(path, &info, &work), path,
          work.message);
  a->x = (hfy_real *)need(info.count, sizeof *a->x);
  stop_on(bytes ? hfy_file_npy_decode(bytes, size, a->x, info.count, &info, &work)
                : hfy_file_npy_read(path, a->x, info.count, &info, &work),
          path, work.message);
  hfy_work_free(&work);
  a->rows = info.rank > 1 ? info.shape[0] : info.count > 0;
  a->dim = info.rank > 1 ? 1 : info.count;
  for (i = 1; i < info.rank; i++) a->dim *= info.shape[i];
  if (info.rank > 2) a->width = info.shape[info.rank - 1], a->height = a->dim / (a->width ? a->width : 1);
  snprintf(a->kind, sizeof a->kind, ".npy of %c%d, %d axes", info.type, (int)info.item_size, (int)info.rank);
}

/* As a .npy file of the same bytes. */
static void from_idx(array *a, const unsigned char *bytes, size_t size, const char *path) {
  static const char types[] = "u1i1  i2i4f4f8";
  const size_t type = (size_t)bytes[2] - 8, axes = bytes[3], head = 4 + 4 * axes;
  unsigned char *npy;
  char *dict;
  size_t i, n;
  if (type > 6 || type == 2 || !axes || axes > HFY_FILE_RANK || size < head)
    stop(1, "%s: IDX of type %d with %d axes; it should be a type of 8, 9 or 11 to 14, and 1 to 8 axes", path, bytes[2],
         bytes[3]);
  npy = (unsigned char *)need(400 + size, 1), dict = (char *)npy + 10;
  n = (size_t)sprintf(dict, "{'descr':'>%.2s','fortran_order':False,'shape':(", types + 2 * type);
  for (i = 0; i < axes; i++)
    n += (size_t)sprintf(dict + n, "%lu,", (unsigned long)images_big_endian(bytes + 4 + 4 * i));
  n += (size_t)sprintf(dict + n, ")}");
  memcpy(npy, "\x93NUMPY\1", 8);
  npy[8] = (unsigned char)(n & 255), npy[9] = (unsigned char)(n >> 8);
  memcpy(npy + 10 + n, bytes + head, size - head);
  from_npy(a, npy, 10 + n + size - head, path);
  free(npy);
  if (a->rows == 1 && axes == 1) a->rows = a->dim, a->dim = 1;
  for (i = 0; !type && axes > 1 && i < a->rows * a->dim; i++) a->x[i] = (hfy_real)((double)a->x[i] / 255 * 2 - 1);
  snprintf(a->kind, sizeof a->kind, "IDX of %.2s, %d axes", types + 2 * type, (int)axes);
}

/* Numbers in lines; # begins a comment. A first line that is no numbers is a heading. */
static void from_text(array *a, char *text, size_t size, const char *path) {
  size_t room = 0, n = 0, line = 0, columns, i;
  char *at = text, *end, *stopped;
  for (i = 0; i < size; i++)
    if ((unsigned char)text[i] < 32 && (!text[i] || !isspace((unsigned char)text[i])))
      stop(1, "%s: neither .npy, IDX, a memory, nor text: byte %lu is %d", path, (unsigned long)i, text[i]);
  for (; *at; at = end + (*end != 0)) {
    const size_t first = n;
    end = at + strcspn(at, "\n");
    for (line++; at < end;) {
      double v;
      at += strspn(at, " \t\r,;");
      if (at >= end || *at == '#') break;
      v = strtod(at, &stopped);
      if (stopped == at || !strchr(" \t\r\n,;#", *stopped) || !(fabs(v) <= (sizeof *a->x == 8 ? 1.7e308 : 3.4e38))) {
        if (!a->rows && line == 1) break; /* a heading */
        stop(1, "%s: line %lu: \"%.*s\" should be a finite number", path, (unsigned long)line,
             (int)strcspn(at, " \t\r\n,;") % 40, at);
      }
      if (n == room) a->x = (hfy_real *)realloc(a->x, (room = room * 2 + 1024) * sizeof *a->x);
      if (!a->x) stop(1, "%s: no memory for its numbers", path);
      a->x[n++] = (hfy_real)v;
      at = stopped;
    }
    columns = n - first;
    if (line == 1 && at < end && *at != '#') n = 0, columns = 0;
    if (!columns) continue;
    if (a->rows && columns != a->dim)
      stop(1, "%s: line %lu has %lu numbers; it should have %lu, as those before", path, (unsigned long)line,
           (unsigned long)columns, (unsigned long)a->dim);
    a->dim = columns, a->rows++;
  }
  snprintf(a->kind, sizeof a->kind, "text");
}

/* dim: that of the memory it is for, or 0. */
static array read_array(const char *path, size_t dim) {
  array a;
  size_t size, i;
  const int regular = is_regular(path);
  unsigned char *bytes = slurp(path, regular ? 6 : SIZE_MAX, &size);
  const int npy = size > 5 && !memcmp(bytes, "\x93NUMPY", 6), direct = npy && regular;
  memset(&a, 0, sizeof a);
  if (regular && !direct) {
    free(bytes);
    bytes = slurp(path, SIZE_MAX, &size);
  }
  if (size > 1 && bytes[0] == 0x1F && bytes[1] == 0x8B)
    stop(1, "%s: compressed by gzip; unpack it first (gunzip)", path);
  if (size > 40 && !memcmp(bytes + 8, STORE_FIRST, 25)) stop(1, "%s: a memory; it should be an array here", path);
  if (npy)
    from_npy(&a, direct ? NULL : bytes, size, path);
  else if (size > 4 && !bytes[0] && !bytes[1])
    from_idx(&a, bytes, size, path);
  else
    from_text(&a, (char *)bytes, size, path);
  free(bytes);
  if (!a.rows || !a.dim) stop(1, "%s: holds no numbers", path);
  if (dim && a.dim != dim) { /* a line or a column */
    if ((a.rows > 1 && a.dim > 1) || a.rows * a.dim % dim)
      stop(1, "%s: rows of %lu numbers; they should be %lu, as the memory's", path, (unsigned long)a.dim,
           (unsigned long)dim);
    a.rows = a.rows * a.dim / dim, a.dim = dim;
  }
  if (!a.width) { /* a picture as square as can be */
    for (i = 1, a.height = 1; i <= a.dim / i; i++)
      if (a.dim % i == 0) a.height = i;
    a.width = a.dim / a.height;
  }
  for (i = 0; i < a.rows * a.dim; i++)
    if (!(fabs((double)a.x[i]) < HUGE_VAL)) stop(1, "%s: element %lu is not a finite number", path, (unsigned long)i);
  return a;
}

/* ------------------------------------------------------------------------------------------------------------------
   a memory: a store, or the rows of an array
   ------------------------------------------------------------------------------------------------------------------ */
typedef struct memory {
  store s;
  array keys;
  hfy_net net; /* with keys and count */
  int stored;
} memory;

static void open_memory(memory *m, const char *path, hfy_sep_kind kind) {
  hfy_work work;
  memset(m, 0, sizeof *m), memset(&work, 0, sizeof work);
  m->stored = is_memory(path);
  if (m->stored) {
    stop_on(store_open(&m->s, path), "cannot use it", m->s.message);
    if (!m->s.rows) stop(1, "%s: nothing is stored", path);
    take_settings(&m->s.net);
    m->net = m->s.net;
    m->net.keys = m->s.keys, m->net.count = m->s.rows;
  } else {
    m->keys = read_array(path, 0);
    m->net.sep.kind = kind;
    take_settings(&m->net);
    m->net.keys = m->keys.x, m->net.dim = m->keys.dim, m->net.count = m->keys.rows;
  }
  stop_on(hfy_net_check(&m->net, NULL, &work), path, work.message);
}

typedef struct hits {
  uint64_t *id;
  hfy_real *score, *weight, *out;
} hits;

static void ask(memory *m, const hfy_real *queries, size_t n, size_t top, hits *h, hfy_work *work) {
  hfy_report report;
  size_t i, *index;
  hfy_status status;
  if (m->stored) {
    status = store_recall(&m->s, queries, n, top, h->id, h->score, h->weight, h->out, work);
    stop_on(status, "recall", m->s.message);
    return;
  }
  memset(&report, 0, sizeof report);
  index = (size_t *)need(n * top, sizeof *index);
  report.top = top, report.top_index = index, report.top_score = h->score, report.top_weight = h->weight;
  status = hfy_retrieve(&m->net, queries, n, h->out, &report, work);
  stop_on(status, "recall", work->message);
  for (i = 0; i < n * top; i++) h->id[i] = index[i] < m->net.count ? index[i] : STORE_NONE;
  free(index);
}

/* ------------------------------------------------------------------------------------------------------------------
   output
   ------------------------------------------------------------------------------------------------------------------ */
#define DIGITS (sizeof(hfy_real) == 8 ? 17 : 9)

static void print_text(const char *text) { /* as JSON */
  putchar('"');
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\')
      printf("\\%c", c);
    else if (c < 32)
      printf("\\u%04x", c);
    else
      putchar(c);
  }
  putchar('"');
}

/* "name: value", or a member of an object that "{" began and "}" ends. */
static void say(const char *name, const char *words, ...) {
  static int members;
  va_list list;
  char value[300];
  va_start(list, words);
  vsnprintf(value, sizeof value, words, list);
  va_end(list);
  if (set.json) {
    if (*name == '}') {
      puts("}"), members = 0;
      return;
    }
    printf("%s\"%s\": ", members++ ? ", " : "{", name);
    if (strspn(value, "0123456789.e+-") == strlen(value) && *value && value[strlen(value) - 1] != '.')
      fputs(value, stdout);
    else
      print_text(value);
  } else if (*name != '}') {
    printf("%-12s %s\n", name, value);
  }
}

static void print_hits(const memory *m, const hits *h, size_t query, size_t all, size_t top) {
  size_t i, row;
  if (set.json) printf("{\"query\": %lu, \"rows\": [", (unsigned long)query);
  for (i = 0; i < top && h->id[i] != STORE_NONE; i++) {
    const char *label = "";
    if (m->stored && (row = store_find(&m->s, h->id[i])) != SIZE_MAX) label = store_label(&m->s, row);
    if (set.json) {
      printf("%s{\"id\": %llu, \"score\": %.*g, \"weight\": %.*g", i ? ", " : "", (unsigned long long)h->id[i], DIGITS,
             (double)h->score[i], DIGITS, (double)h->weight[i]);
      if (*label) fputs(", \"label\": ", stdout), print_text(label);
      putchar('}');
      continue;
    }
    if (all > 1) printf("%lu\t", (unsigned long)query);
    printf("%llu\t%g\t%g%s%s\n", (unsigned long long)h->id[i], (double)h->score[i], (double)h->weight[i],
           *label ? "\t" : "", label);
  }
  if (set.json) puts("]}");
}

static int ends_in(const char *path, const char *end) {
  const size_t n = strlen(path), m = strlen(end);
  return n > m && !strcmp(path + n - m, end);
}

/* A file of the kind that its name says. */
static void write_rows(const char *path, const hfy_real *x, size_t rows, size_t dim, size_t height, size_t width) {
  hfy_work work;
  size_t shape[2], i, across = rows < 10 ? rows : 10, scale = width < 64 ? 4 : 1;
  double lo = HUGE_VAL, hi = -HUGE_VAL;
  images_sheet sheet;
  FILE *file;
  int bad;
  memset(&work, 0, sizeof work);
  shape[0] = rows, shape[1] = dim;
  if (ends_in(path, ".npy")) {
    stop_on(hfy_file_npy_write(path, x, shape, 2, &work), path, work.message);
    hfy_work_free(&work);
    return;
  }
  if (ends_in(path, ".csv")) {
    file = fopen(path, "wb");
    for (i = 0; file && i < rows * dim; i++) fprintf(file, "%.*g%c", DIGITS, (double)x[i], (i + 1) % dim ? ',' : '\n');
    if (!file || fclose(file)) stop(1, "%s: cannot be written", path);
    return;
  }
  for (i = 0; i < rows * dim; i++) {
    lo = (double)x[i] < lo ? (double)x[i] : lo;
    hi = (double)x[i] > hi ? (double)x[i] : hi;
  }
  if (images_sheet_open(&sheet, (rows + across - 1) / across * (height * scale + 2) + 2,
                        across * (width * scale + 2) + 2, 128))
    stop(1, "%s: no memory for the picture", path);
  for (i = 0; i < rows; i++)
    images_sheet_put(&sheet, i / across * (height * scale + 2) + 2, i % across * (width * scale + 2) + 2, x + i * dim,
                     height, width, scale, lo, hi);
  if (ends_in(path, ".pgm")) {
    file = fopen(path, "wb");
    bad = !file || fprintf(file, "P5\n%lu %lu\n255\n", (unsigned long)sheet.width, (unsigned long)sheet.height) < 0;
    bad = bad || fwrite(sheet.grey, 1, sheet.width * sheet.height, file) != sheet.width * sheet.height;
    if (file) bad |= fclose(file) != 0;
  } else {
    bad = images_sheet_write(&sheet, path);
  }
  free(sheet.grey);
  if (bad) stop(1, "%s: cannot be written", path);
}

/* ------------------------------------------------------------------------------------------------------------------
   the commands
   ------------------------------------------------------------------------------------------------------------------ */

static void recall(const char *const *files) {
  memory m;
  array q;
  hits h;
  hfy_work work;
  size_t at, some, i, height, width;
  hfy_real *out;
  const size_t batch = 64;
  size_t top = (size_t)set.top;
  if (set.out && !ends_in(set.out, ".npy") && !ends_in(set.out, ".csv") && !ends_in(set.out, ".png") &&
      !ends_in(set.out, ".pgm"))
    stop(2, "--out is \"%s\"; it should end in .npy, .csv, .png or .pgm", set.out);
  open_memory(&m, files[0], HFY_SEP_SOFTMAX);
  q = read_array(files[1], m.net.dim);
  height = m.stored ? q.height : m.keys.height, width = m.stored ? q.width : m.keys.width;
  if (set.shape) {
    char *x = NULL, *end = NULL;
    const size_t a = strtoul(set.shape, &x, 10), b = *x == 'x' ? strtoul(x + 1, &end, 10) : 0;
    if (!b || *end || !a || a > m.net.dim || b > m.net.dim || a * b != m.net.dim)
      stop(2, "--shape is \"%s\"; it should be two numbers as in 28x28, with the product %lu", set.shape,
           (unsigned long)m.net.dim);
    height = a, width = b;
  }
  memset(&work, 0, sizeof work);
  if (top > m.net.count) top = m.net.count;
  h.id = (uint64_t *)need(batch * top, sizeof *h.id);
  h.score = (hfy_real *)need(batch * top, sizeof *h.score);
  h.weight = (hfy_real *)need(batch * top, sizeof *h.weight);
  out = (hfy_real *)need(set.out ? q.rows * q.dim : batch * q.dim, sizeof *out);
  progress(0, q.rows, "queries");
  for (at = 0; at < q.rows; at += some) {
    some = q.rows - at < batch ? q.rows - at : batch;
    h.out = set.out ? out + at * q.dim : out;
    ask(&m, q.x + at * q.dim, some, top, &h, &work);
    for (i = 0; i < some; i++) {
      hits one;
      one.id = h.id + i * top, one.score = h.score + i * top, one.weight = h.weight + i * top, one.out = NULL;
      print_hits(&m, &one, at + i, q.rows, top);
    }
    progress(at + some, q.rows, "queries");
  }
  if (set.out) write_rows(set.out, out, q.rows, q.dim, height, width);
  free(h.id), free(h.score), free(h.weight), free(out), free(q.x), free(m.keys.x);
  if (m.stored) store_close(&m.s);
  hfy_work_free(&work);
}

/* The lines of a file of labels: each ends in a 0 afterwards. NULL: fewer than `rows`. */
static char **read_labels(const char *path, size_t rows) {
  size_t size, i, n = 0;
  unsigned char *bytes = slurp(path, SIZE_MAX, &size);
  char **labels = (char **)need(rows + 1, sizeof *labels), *at = (char *)bytes;
  if (size > 8 && !bytes[0] && !bytes[1] && bytes[2] == 8 && bytes[3] == 1) { /* IDX */
    char *text = (char *)need(size - 8, 4);
    for (i = 8; i < size && n < rows; i++) labels[n++] = text, text += sprintf(text, "%d", bytes[i]) + 1;
    n = size - 8 == rows ? n : size - 8;
  } else {
    for (; *at; n++) {
      const size_t length = strcspn(at, "\n");
      if (n < rows) labels[n] = at;
      at += length + (at[length] != 0);
      if (at[-1] == '\n') at[-1] = 0;
    }
  }
  if (n != rows)
    stop(1, "%s: %lu labels; there should be %lu, a line per row", path, (unsigned long)n, (unsigned long)rows);
  return labels;
}

static void keep(const char *const *files, int n) {
  store s;
  array rows;
  hfy_net net;
  char **labels = NULL;
  uint64_t next = 0;
  size_t i, removed = 0;
  FILE *there = fopen(files[0], "rb");
  memset(&rows, 0, sizeof rows), memset(&net, 0, sizeof net);
  if (!there && n < 2) stop(2, "%s is not there, and no ROWS are named; it should be: hfy store MEMORY ROWS", files[0]);
  if (set.labels && n < 2) stop(2, "--labels are of ROWS; it should be: hfy store MEMORY ROWS --labels FILE");
  if (there) {
    fclose(there);
    stop_on(store_open(&s, files[0]), "cannot use it", s.message);
    take_settings(&s.net);
    stop_on(store_check(&s, &s.net), files[0], s.message);
  }
  if (n > 1) rows = read_array(files[1], there ? s.net.dim : 0);
  if (!there) {
    net.dim = rows.dim;
    take_settings(&net);
    stop_on(store_begin(&s, &net), files[0], s.message);
  }
  for (i = 0; i < s.rows; i++)
    if (s.ids[i] >= next) next = s.ids[i] + 1;
  if (set.remove) {
    const char *at = set.remove;
    for (;; at++, removed++) {
      char *end = NULL;
      unsigned long long id = isdigit((unsigned char)*at) ? strtoull(at, &end, 10) : 0;
      if (!isdigit((unsigned char)*at) || (*end && *end != ','))
        stop(2, "--remove is \"%s\"; it should be ids with commas between them, as in 3,17", set.remove);
      stop_on(store_remove(&s, id), files[0], s.message);
      at = end;
      if (!*at) break;
    }
    removed++;
  }
  if (set.labels) labels = read_labels(set.labels, rows.rows);
  progress(0, rows.rows, "rows");
  for (i = 0; i < rows.rows; i++) {
    stop_on(store_add(&s, next++, rows.x + i * rows.dim, labels ? labels[i] : NULL), files[0], s.message);
    if (i % 1024 == 0 && i) progress(i, rows.rows, "rows");
  }
  progress(rows.rows, rows.rows, "rows");
  stop_on(store_save(&s, files[0]), files[0], s.message);
  say("memory", "%s", files[0]);
  say("rows", "%lu", (unsigned long)s.rows);
  say("added", "%lu", (unsigned long)rows.rows);
  say("removed", "%lu", (unsigned long)removed);
  say("}", "%s", "");
  store_close(&s);
  free(rows.x);
}

static void tell_rows(const hfy_real *x, size_t rows, size_t dim) {
  double lo = HUGE_VAL, hi = -HUGE_VAL, sum = 0, norm = 0, longest = 0;
  size_t i, d;
  for (i = 0; i < rows; i++) {
    double square = 0;
    for (d = 0; d < dim; d++) {
      const double v = (double)x[i * dim + d];
      lo = v < lo ? v : lo, hi = v > hi ? v : hi;
      sum += v, square += v * v;
    }
    norm += square, longest = square > longest ? square : longest;
  }
  say("rows", "%lu", (unsigned long)rows);
  say("dim", "%lu", (unsigned long)dim);
  say("least", "%g", lo);
  say("largest", "%g", hi);
  say("mean", "%g", sum / (double)(rows * dim));
  say("norm", "%g", sqrt(norm / (double)rows)); /* root mean square */
  say("longest", "%g", sqrt(longest));
}

static void tell_index(const hfy_index *index) {
  say("index", "%lu bytes", (unsigned long)index->bytes);
  say("prefix", "%lu", (unsigned long)index->prefix);
  say("residual", "%.3g", index->residual);
  say("error", "%.3g", index->error);
}

static void info(const char *path) {
  if (is_memory(path)) {
    store s;
    size_t i, labels = 0;
    hfy_net net;
    stop_on(store_open(&s, path), "cannot use it", s.message);
    say("kind", "memory, hfy store 1");
    net = s.net, net.keys = s.keys, net.count = s.rows ? s.rows : 1;
    (void)hfy_net_check(&net, &net, NULL);
    say("similarity", "%s", store_sims[s.net.sim]);
    say("separation", "%s", store_seps[s.net.sep.kind]);
    say("beta", "%g", net.beta);
    say("steps", "%lu", (unsigned long)net.max_steps);
    for (i = 0; i < s.rows; i++) labels += *store_label(&s, i) != 0;
    say("labels", "%lu", (unsigned long)labels);
    if (s.index.data)
      tell_index(&s.index);
    else
      say("index", "none");
    if (s.rows) tell_rows(s.keys, s.rows, s.net.dim);
    store_close(&s);
  } else {
    array a = read_array(path, 0);
    say("kind", "%s", a.kind);
    tell_rows(a.x, a.rows, a.dim);
    free(a.x);
  }
  say("}", "%s", "");
}

static void make_index(const char *path) {
  const int stored = is_memory(path);
  hfy_work work;
  double began;
  store s;
  memset(&work, 0, sizeof work), memset(&s, 0, sizeof s);
  if (stored) {
    stop_on(store_open(&s, path), "cannot use it", s.message);
    if (!store_indexable(&s) || !s.rows)
      stop(1, "%s: an index helps dots and a separation with a margin, as sparsemax has; this memory is %s, %s", path,
           store_sims[s.net.sim], store_seps[s.net.sep.kind]);
  } else {
    array a = read_array(path, 0);
    s.net.dim = a.dim, s.rows = a.rows, s.keys = a.x;
  }
  began = now();
  stop_on(store_index(&s, &work), path, s.message);
  tell_index(&s.index);
  say("keys", "%lu bytes", (unsigned long)(s.rows * s.net.dim * sizeof(hfy_real)));
  say("seconds", "%.3g", now() - began);
  s.index_from = 1;
  if (stored) stop_on(store_save(&s, path), path, s.message);
  say("}", "%s", "");
  store_close(&s);
  hfy_work_free(&work);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* For rows spread evenly, how much more similar each is to itself than any other row; ascending. Returns how many. */
static size_t find_gaps(const hfy_net *net, double **gaps) {
  const size_t n = net->count < set.sample ? net->count : (size_t)set.sample;
  hfy_real *scores = (hfy_real *)need(net->count, sizeof *scores);
  hfy_work work;
  size_t i, j;
  memset(&work, 0, sizeof work);
  *gaps = (double *)need(n, sizeof **gaps);
  progress(0, n, "rows");
  for (i = 0; i < n; i++) {
    const size_t row = (size_t)((double)i * (double)net->count / (double)n);
    const hfy_real *x = net->keys + row * net->dim;
    double best = -HUGE_VAL;
    stop_on(hfy_sim_scores(net->sim, 1, net->keys, net->count, net->dim, 0, x, 1, scores, &work), "scores",
            work.message);
    for (j = 0; j < net->count; j++)
      if (j != row && (double)scores[j] > best) best = (double)scores[j];
    (*gaps)[i] = (double)scores[row] - best;
    progress(i + 1, n, "rows");
  }
  qsort(*gaps, n, sizeof **gaps, ascending);
  free(scores);
  hfy_work_free(&work);
  return n;
}

static void suggest_beta(const char *path) {
  static const int shares[] = {50, 90, 95, 99, 100};
  memory m;
  double *gaps, lead, serves = 0;
  size_t i, n, none = 0;
  open_memory(&m, path, HFY_SEP_SPARSEMAX);
  lead = hfy_sep_margin(&m.net.sep);
  if (m.net.sep.kind == HFY_SEP_SOFTMAX) lead = log(99 * (double)(m.net.count - 1));
  if (!(lead < HUGE_VAL) || m.net.count < 2)
    stop(1, "--sep %s, %lu rows: it should be softmax or one with a margin, as sparsemax, and 2 rows",
         store_seps[m.net.sep.kind], (unsigned long)m.net.count);
  n = find_gaps(&m.net, &gaps);
  while (none < n && !(gaps[none] > 0)) none++;
  for (i = 0; i < 5; i++) {
    const size_t at = n - (n * (size_t)shares[i] + 99) / 100;
    const double beta = lead / gaps[at < n ? at : n - 1];
    char name[20];
    sprintf(name, "%d%%", shares[i]);
    if (at >= none && shares[i] <= 95) serves = beta;
    if (at >= none)
      say(name, set.json ? "%g" : "of the rows from beta %g on", beta);
    else
      say(name, "at no beta");
  }
  if (none)
    say("confused", "%g%% of the rows: another is as similar to them as they are", 100.0 * (double)none / (double)n);
  if (serves > 0)
    say("beta", "%g", 2 * serves);
  else
    say("beta", "none: half of the rows are confused; try another --sim");
  say("}", "%s", "");
  free(gaps), free(m.keys.x);
  if (m.stored) store_close(&m.s);
}

/* For rows spread evenly the largest r within which every query is answered by the row: how far it leads another,
   x.(x - y) or |x - y|^2 / 2, less margin / beta, over |x - y| (HFY Prop. 9.2; hfy_theory_separate for dots). */
static void find_radii(const hfy_net *net, double margin, double *radius, size_t n) {
  size_t i, j, d;
  progress(0, n, "rows");
  for (i = 0; i < n; i++) {
    const size_t row = (size_t)((double)i * (double)net->count / (double)n);
    const hfy_real *x = net->keys + row * net->dim, *y = net->keys;
    radius[i] = HUGE_VAL;
    for (j = 0; j < net->count; j++, y += net->dim) {
      double square = 0, lead = 0, r;
      for (d = 0; d < net->dim; d++) {
        const double by = (double)x[d] - (double)y[d];
        square += by * by, lead += (double)x[d] * by;
      }
      if (net->sim == HFY_SIM_EUCLIDEAN) lead = square / 2;
      r = square > 0 ? (lead - margin / net->beta) / sqrt(square) : -HUGE_VAL;
      if (j != row && r < radius[i]) radius[i] = r;
    }
    progress(i + 1, n, "rows");
  }
}

static void tell_radius(const char *path) {
  static const int shares[] = {0, 10, 50, 90, 100};
  memory m;
  hfy_net net;
  double *radius, margin;
  size_t i, n, exact = 0;
  open_memory(&m, path, HFY_SEP_SPARSEMAX);
  stop_on(hfy_net_check(&m.net, &net, NULL), path, NULL);
  n = net.count < set.sample ? net.count : (size_t)set.sample;
  radius = (double *)need(n, sizeof *radius);
  margin = hfy_sep_margin(&net.sep);
  if (!(margin < HUGE_VAL) || net.sep.k > 1)
    stop(1, "--sep %s promises no row exactly; it should have a margin, as sparsemax (ksubsets, argmax: --k 1)",
         store_seps[net.sep.kind]);
  if (net.sim != HFY_SIM_DOT && net.sim != HFY_SIM_EUCLIDEAN)
    stop(1, "--sim %s: no radius is known; it should be dot or euclidean", store_sims[net.sim]);
  find_radii(&net, margin, radius, n);
  for (i = 0; i < n; i++) exact += radius[i] >= 0;
  qsort(radius, n, sizeof *radius, ascending);
  say("rows", "%lu", (unsigned long)n);
  say("beta", "%g", net.beta);
  say("exact", set.json ? "%g" : "%g%% of the rows stay as they are", 100.0 * (double)exact / (double)n);
  for (i = 0; i < 5; i++) {
    const double r = radius[(n - 1) * (size_t)shares[i] / 100];
    char name[20];
    sprintf(name, "radius %d%%", shares[i]);
    if (r < 0)
      say(name, "none");
    else
      say(name, "%g", r);
  }
  say("}", "%s", "");
  free(radius), free(m.keys.x);
  if (m.stored) store_close(&m.s);
}

/* Milliseconds per query, so many at once. */
static void time_queries(const char *name, const hfy_net *net, const hfy_real *queries, size_t n, size_t batch,
                         hfy_work *work) {
  hfy_real *out = (hfy_real *)need(batch * net->dim, sizeof *out);
  const double began = now();
  double took;
  size_t done = 0;
  do {
    const size_t at = done + batch <= n ? done : 0;
    stop_on(hfy_retrieve(net, queries + at * net->dim, batch < n ? batch : n, out, NULL, work), name, work->message);
    done += batch < n ? batch : n;
    took = now() - began;
  } while (took < 0.5);
  say(name, set.json ? "%.4g" : "%.4g ms per query", 1000 * took / (double)done);
  free(out);
}

static void bench(const char *const *files, int n) {
  memory m;
  array q;
  hfy_work work;
  hfy_rng rng = hfy_rng_seed(1);
  size_t i, d;
  open_memory(&m, files[0], HFY_SEP_SOFTMAX);
  memset(&q, 0, sizeof q), memset(&work, 0, sizeof work);
  if (n > 1) q = read_array(files[1], m.net.dim);
  if (n < 2) {
    double sum = 0, square = 0, spread;
    const size_t all = m.net.count * m.net.dim;
    for (i = 0; i < all; i++) sum += (double)m.net.keys[i], square += (double)m.net.keys[i] * (double)m.net.keys[i];
    spread = square / (double)all - sum / (double)all * (sum / (double)all);
    spread = spread > 0 ? sqrt(3 * spread) / 5 : 0; /* of a uniform number with a tenth of the standard deviation */
    q.rows = 256, q.dim = m.net.dim;
    q.x = (hfy_real *)need(q.rows * q.dim, sizeof *q.x);
    for (i = 0; i < q.rows; i++) {
      const size_t row = (size_t)(hfy_rng_u64(&rng) % m.net.count);
      for (d = 0; d < q.dim; d++)
        q.x[i * q.dim + d] = (hfy_real)((double)m.net.keys[row * q.dim + d] + spread * (hfy_rng_uniform(&rng) - 0.5));
    }
  }
  m.net.index = NULL;
  say("rows", "%lu", (unsigned long)m.net.count);
  say("dim", "%lu", (unsigned long)m.net.dim);
  say("kernels", "%s", hfy_simd_text(hfy_simd_isa(NULL)));
  time_queries("one", &m.net, q.x, q.rows, 1, &work);
  time_queries("64 at once", &m.net, q.x, q.rows, 64, &work);
  if (m.net.sim == HFY_SIM_DOT && hfy_sep_margin(&m.net.sep) < HUGE_VAL) {
    store *s = &m.s;
    const double began = now();
    if (!m.stored) s->net.dim = m.net.dim, s->rows = m.net.count, s->keys = m.keys.x, m.keys.x = NULL, m.stored = 1;
    stop_on(store_index(s, &work), files[0], s->message);
    say("build index", set.json ? "%.4g" : "%.4g ms", 1000 * (now() - began));
    m.net.index = &s->index;
    time_queries("index, one", &m.net, q.x, q.rows, 1, &work);
    time_queries("index, 64", &m.net, q.x, q.rows, 64, &work);
  }
  say("}", "%s", "");
  free(q.x), free(m.keys.x);
  if (m.stored) store_close(&m.s);
  hfy_work_free(&work);
}

static int end(void) {
  if (fflush(stdout) || ferror(stdout)) stop(1, "the standard output cannot be written");
  return 0;
}

int main(int argc, char **argv) {
  const char *files[3] = {NULL, NULL, NULL};
  size_t i;
  int n;
  if (argc > 1 && !strcmp(argv[1], "--version")) {
    printf("hfy %s, %s, %s\n", hfy_version(), sizeof(hfy_real) == 8 ? "double" : "float",
           hfy_simd_text(hfy_simd_isa(NULL)));
    return end();
  }
  if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    help_all();
    return end();
  }
  if (argc < 2) stop(2, "no command; it should be one of recall store info index beta radius bench");
  for (i = 0; i < COMMANDS; i++)
    if (!strcmp(argv[1], commands[i].name)) command = &commands[i];
  if (!command)
    stop(2, "there is no command \"%s\"; it should be one of recall store info index beta radius bench", argv[1]);
  n = read_options(argc, argv, files);
  if (set.help)
    help_one();
  else if (command->bit == RECALL)
    recall(files);
  else if (command->bit == STORE)
    keep(files, n);
  else if (command->bit == INFO)
    info(files[0]);
  else if (command->bit == INDEX)
    make_index(files[0]);
  else if (command->bit == BETA)
    suggest_beta(files[0]);
  else if (command->bit == RADIUS)
    tell_radius(files[0]);
  else
    bench(files, n);
  return end();
}
