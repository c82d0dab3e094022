/* store_check.c: holds store.h against plain retrievals, processes that die, and files that are damaged.

       store_check write DIR    process 1: stores 1,000 rows, removes 10, answers, saves
       store_check read DIR     process 2: maps the file; its answers should have the same bits
       store_check rest DIR     adds, removals and answers in any order; kills; every cut and every flipped byte */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "../hfy.h"

#include "store.h"
#ifdef STORE_POSIX
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#endif

enum { DIM = 48, ROWS = 1000, ASKED = 40, TOP = 3 };

static size_t passed, failed;
static void check(int ok, const char *what, size_t number) {
  passed += ok != 0, failed += !ok;
  if (!ok && failed < 20) printf("  FAIL %s (%lu)\n", what, (unsigned long)number);
}

/* Row `id` of a memory of its own: near one of 30 centres, so that answers mix rows. */
static void make_row(uint64_t id, double noise, hfy_real *row) {
  hfy_rng centre = hfy_rng_seed(id % 30), own = hfy_rng_seed(id + 1000);
  size_t i;
  for (i = 0; i < DIM; i++) row[i] = (hfy_real)(hfy_rng_normal(&centre) + noise * hfy_rng_normal(&own));
}

static hfy_net settings(hfy_sep_kind kind, hfy_sim sim) {
  hfy_net net;
  memset(&net, 0, sizeof net);
  net.dim = DIM, net.sim = sim, net.beta = 0.1, net.sep.kind = kind;
  return net;
}

typedef struct answers {
  hfy_real out[ASKED * DIM], score[ASKED * TOP], weight[ASKED * TOP];
  uint64_t id[ASKED * TOP];
} answers;

static void ask(store *s, answers *a) {
  hfy_real queries[ASKED * DIM];
  size_t i;
  for (i = 0; i < ASKED; i++) make_row(7 * i + 1, 0.6, queries + i * DIM);
  memset(a, 0, sizeof *a);
  check(!store_recall(s, queries, ASKED, TOP, a->id, a->score, a->weight, a->out, NULL), s->message, 0);
}

static void path_of(char *path, const char *dir, const char *name) { snprintf(path, 500, "%s/%s", dir, name); }

/* Both processes, for each separation and similarity: number. */
static void two_processes(int writes, const char *dir) {
  static const hfy_sep_kind kinds[] = {HFY_SEP_SPARSEMAX, HFY_SEP_SOFTMAX, HFY_SEP_ENTMAX, HFY_SEP_ARGMAX};
  static answers mine, theirs;
  size_t i, k;
  for (k = 0; k < 5; k++) {
    hfy_net net = settings(k < 4 ? kinds[k] : HFY_SEP_SPARSEMAX, k < 4 ? HFY_SIM_DOT : HFY_SIM_EUCLIDEAN);
    char path[500], name[40], label[40];
    hfy_real row[DIM];
    FILE *file;
    store s;
    snprintf(name, sizeof name, "check.%lu", (unsigned long)k);
    path_of(path, dir, name);
    if (writes) {
      check(!store_begin(&s, &net), "begin", k);
      s.index_from = 500;
      for (i = 0; i < ROWS; i++) {
        make_row(i, 0.3, row);
        sprintf(label, "row %lu", (unsigned long)i);
        check(!store_add(&s, 3 * i, row, i % 3 ? label : NULL), s.message, i);
        if (i == 950) ask(&s, &mine); /* builds the index: the last rows are scanned beside it */
      }
      for (i = 0; i < 10; i++) check(!store_remove(&s, 3 * (97 * i + 3)), s.message, i);
      ask(&s, &mine);
      check((s.index.data != NULL) == (k != 1 && k != 4) && (k == 1 || s.dead == 10), "indexed, and rows removed", k);
      check(!store_save(&s, path), s.message, k);
      ask(&s, &theirs);
      check(!memcmp(&mine, &theirs, sizeof mine), "the same once it is saved", k);
    } else {
      check(!store_open(&s, path), s.message, k);
      s.index_from = 500;
      check(store_count(&s) == ROWS - 10 && store_keys_mapped(&s), "what was saved", k);
      check((s.index.data != NULL) == (k != 1 && k != 4) && !s.index_memory, "its index, in the file", k);
      check(s.net.sim == net.sim && s.net.sep.kind == net.sep.kind && !(s.net.beta < net.beta), "its settings", k);
      check(store_find(&s, 9) == SIZE_MAX && store_find(&s, 12) == 3, "which row is removed", k);
      check(!strcmp(store_label(&s, 3), "row 4") && !*store_label(&s, 0), "labels", k);
      make_row(4, 0.3, row);
      check(!memcmp(store_row(&s, 3), row, sizeof row), "the bits of a row", k);
      ask(&s, &mine);
    }
    snprintf(path + strlen(path), 10, ".bits");
    file = fopen(path, writes ? "wb" : "rb");
    check(file && (writes ? fwrite(&mine, sizeof mine, 1, file) : fread(&theirs, sizeof theirs, 1, file)) == 1, path,
          k);
    if (file) fclose(file);
    if (!writes) check(!memcmp(&mine, &theirs, sizeof mine), "the bits of another process", k);
    if (!writes) remove(path);
    store_close(&s);
  }
}

/* Whatever was added and removed, in whatever order: a plain retrieval over what is left gives the same bits. */
static void any_order(hfy_sep_kind kind, hfy_sim sim, uint64_t seed) {
  static hfy_real rows[600 * DIM];
  static answers mine, plain;
  size_t index[ASKED * TOP], n = 0, i, j, next = 0, seen = 0;
  uint64_t ids[600];
  hfy_rng rng = hfy_rng_seed(seed);
  hfy_net net = settings(kind, sim);
  hfy_report report;
  hfy_real queries[ASKED * DIM];
  store s;
  memset(&report, 0, sizeof report);
  report.top = TOP, report.top_index = index, report.top_score = plain.score, report.top_weight = plain.weight;
  check(!store_begin(&s, &net), "begin", 0);
  s.index_from = 64;
  for (i = 0; i < ASKED; i++) make_row(7 * i + 1, 0.6, queries + i * DIM);
  for (j = 0; j < 400; j++) {
    if (n < 20 || (n < 600 && hfy_rng_uniform(&rng) < 0.7)) {
      const size_t some = 1 + (size_t)(hfy_rng_u64(&rng) % 8);
      for (i = 0; i < some && n < 600; i++, n++, next++) {
        make_row(next, 0.3, rows + n * DIM);
        ids[n] = next * 11;
        check(!store_add(&s, ids[n], rows + n * DIM, NULL), s.message, j);
      }
      check(store_add(&s, ids[n - 1], rows, NULL) == HFY_ERR_ARG, "an id that is there", j);
    } else {
      const size_t at = (size_t)(hfy_rng_u64(&rng) % n);
      check(!store_remove(&s, ids[at]), s.message, j);
      check(store_remove(&s, ids[at]) == HFY_ERR_ARG && store_find(&s, ids[at]) == SIZE_MAX, "an id that is gone", j);
      memmove(ids + at, ids + at + 1, (n - at - 1) * sizeof *ids);
      memmove(rows + at * DIM, rows + (at + 1) * DIM, (n - at - 1) * DIM * sizeof *rows);
      n--;
    }
    if (j % 10 != 9) continue;
    ask(&s, &mine);
    seen += s.index.data && s.index.count < s.rows && s.dead;
    net.keys = rows, net.count = n;
    memset(&plain, 0, sizeof plain);
    check(!hfy_retrieve(&net, queries, ASKED, plain.out, &report, NULL) && store_count(&s) == n, "retrieve", j);
    for (i = 0; i < ASKED * TOP; i++) plain.id[i] = index[i] < n ? ids[index[i]] : STORE_NONE;
    check(!memcmp(&mine, &plain, sizeof mine), "the bits of a plain retrieval", j);
  }
  check((seen > 2) == (s.beside > 0), "the index answers, and what is behind it", s.beside);
  check((seen > 2) == (sim == HFY_SIM_DOT && kind != HFY_SEP_SOFTMAX), "an index with rows behind it", seen);
  store_close(&s);
}

static void refusals(void) {
  hfy_net net = settings(HFY_SEP_SPARSEMAX, HFY_SIM_DOT);
  hfy_real row[DIM];
  uint64_t id = 0;
  store s;
  net.values = row;
  check(store_begin(&s, &net) == HFY_ERR_UNSUPPORTED, "values of its own", 0);
  net.values = NULL, net.beta = -1;
  check(store_begin(&s, &net) == HFY_ERR_ARG && strstr(s.message, "beta is -1"), s.message, 1);
  net.beta = 1;
  check(!store_begin(&s, &net), "begin", 2);
  make_row(1, 0.3, row);
  check(store_recall(&s, row, 1, 1, &id, NULL, NULL, NULL, NULL) == HFY_ERR_ARG, "nothing is stored", 3);
  check(store_add(&s, STORE_NONE, row, NULL) == HFY_ERR_ARG, "no id", 4);
  check(!store_add(&s, 5, row, "five") && !store_recall(&s, row, 1, 1, &id, NULL, NULL, NULL, NULL) && id == 5, "1", 5);
  row[3] = (hfy_real)HUGE_VAL;
  check(store_add(&s, 6, row, NULL) == HFY_ERR_NONFINITE && s.rows == 1, "not finite", 6);
  check(store_save(&s, "no/such/folder/memory") == HFY_ERR_IO, "nowhere to save", 7);
  check(!store_remove(&s, 5) && store_recall(&s, row, 1, 1, &id, NULL, NULL, NULL, NULL) == HFY_ERR_ARG, "all gone", 8);
  store_close(&s);
  check(store_open(&s, "no/such/file") == HFY_ERR_IO && strstr(s.message, "no/such/file"), s.message, 9);
}

#ifdef STORE_POSIX
static void small(store *s, size_t rows, size_t from) {
  hfy_net net = settings(HFY_SEP_SPARSEMAX, HFY_SIM_DOT);
  hfy_real row[DIM];
  size_t i;
  check(!store_begin(s, &net), "begin", 0);
  s->index_from = from;
  for (i = 0; i < rows; i++) {
    make_row(i, 0.3, row);
    check(!store_add(s, i, row, "label"), s->message, i);
  }
}

/* Opens a damaged file; whatever it says, nothing breaks. */
static hfy_status look(const char *path) {
  store s;
  hfy_real row[4096];
  uint64_t id;
  hfy_status status = store_open(&s, path);
  if (status) {
    check(*s.message && !s.rows && !s.file, "a message, and nothing left open", 0);
    return status;
  }
  memset(row, 0, sizeof row);
  if (s.net.dim <= 4096 && s.rows) {
    status = store_recall(&s, row, 1, 1, &id, NULL, NULL, NULL, NULL);
    check(!status || status == HFY_ERR_NONFINITE, s.message, 1); /* a key may be NaN now */
  }
  if (s.rows) (void)store_remove(&s, s.ids[0]);
  if (s.net.dim <= 4096 && s.rows) (void)store_add(&s, 123456, row, "more");
  if (s.net.dim <= 4096 && s.rows) (void)store_recall(&s, row, 1, 1, &id, NULL, NULL, NULL, NULL);
  store_close(&s);
  return HFY_OK;
}

static void overwrite(const char *path, long at, const void *bytes, size_t n) {
  FILE *file = fopen(path, "r+b");
  check(file && !fseek(file, at, SEEK_SET) && fwrite(bytes, 1, n, file) == n, "overwritten", (size_t)at);
  if (file) fclose(file);
}

/* Opens these bytes under a checksum that is right. */
static hfy_status sealed(const char *path, const unsigned char *file, size_t size) {
  uint64_t lane[4] = {0, 0, 0, 0};
  unsigned char copy[1 << 16];
  memcpy(copy, file, size);
  memset(copy + STORE_SUM, '0', 16);
  store_hash(lane, copy, size);
  store_digits(lane, size, (char *)copy + STORE_SUM);
  overwrite(path, 0, copy, size);
  return look(path);
}

/* Headers that are whole and promise more or less than there is; ids and labels that are not one a row. */
static void lies(const char *path, const unsigned char *file, size_t size, const store_shape *real, size_t rows_at) {
  static const size_t huge[] = {0, 1, 4, 6, 1000, (size_t)1 << 31, SIZE_MAX / 128};
  unsigned char copy[1 << 16], head[STORE_HEAD];
  hfy_net net = settings(HFY_SEP_SPARSEMAX, HFY_SIM_DOT);
  const size_t body = store_header(&net, real, head);
  size_t i, k;
  check(size - body < sizeof copy - STORE_HEAD && !memcmp(head, file, 8), "the header's length", body);
  for (i = 0; i < 5; i++)
    for (k = 0; k < sizeof huge / sizeof *huge; k++) {
      store_shape shape = *real;
      size_t *const numbers[] = {&shape.rows, &shape.dim, &shape.index, &shape.text, &shape.head};
      size_t *number = numbers[i], at;
      if (*number == huge[k] * (i == 2 ? 64 : 1)) continue;
      *number = huge[k] * (i == 2 ? 64 : 1);
      at = store_header(&net, &shape, copy);
      memcpy(copy + at, file + body, size - body);
      check(remove(path) == 0, "removed", k);
      fclose(fopen(path, "wb"));
      check(sealed(path, copy, at + size - body) == HFY_ERR_FORMAT, "a header that lies", 10 * i + k);
    }
  remove(path);
  fclose(fopen(path, "wb"));
  { /* from a build whose hfy_index is larger: the rows are there, the index is made again */
    store_shape shape = *real;
    size_t at;
    store s;
    shape.head += 8;
    at = store_header(&net, &shape, copy);
    memcpy(copy + at, file + body, rows_at - body);
    memset(copy + at + rows_at - body, 0, 8);
    memcpy(copy + at + rows_at - body + 8, file + rows_at, size - rows_at);
    check(sealed(path, copy, at + 8 + size - body) == HFY_OK, "another hfy_index", 0);
    check(!store_open(&s, path) && !s.index.data && s.rows == 5, s.message, 0);
    store_close(&s);
    remove(path);
    fclose(fopen(path, "wb"));
  }
  memcpy(copy, file, size);
  memcpy(copy + rows_at + 8, copy + rows_at, 8);
  check(sealed(path, copy, size) == HFY_ERR_FORMAT, "an id that is there twice", rows_at);
  for (i = 0; i < 2; i++) { /* a label too few, a label too many */
    memcpy(copy, file, size);
    copy[rows_at + 8 * real->rows + (i ? 2 : 5)] = i ? 0 : 'x';
    check(sealed(path, copy, size) == HFY_ERR_FORMAT, "labels that are not one a row", i);
  }
  overwrite(path, 0, file, size);
}

static void damage(const char *dir, size_t from) {
  static unsigned char file[1 << 16];
  char path[500];
  size_t size, i, k, refused = 0;
  store_shape shape;
  const unsigned char flips[] = {1, 128, 255};
  FILE *f;
  store s;
  path_of(path, dir, "check.damaged");
  small(&s, 5, from);
  check(!store_save(&s, path), s.message, 0);
  shape.head = sizeof(hfy_index);
  shape.rows = s.rows, shape.dim = DIM, shape.text = s.text_used, shape.index = (s.index.bytes + 63) / 64 * 64;
  check(shape.index == 0 || from == 1, "an index", from);
  store_close(&s);
  f = fopen(path, "rb");
  size = f ? fread(file, 1, sizeof file, f) : 0;
  if (f) fclose(f);
  check(size > 1500 && size < sizeof file && look(path) == HFY_OK, "whole", size);
  for (i = 0; i < size; i++) {
    for (k = 0; k < 3; k++) {
      unsigned char byte = file[i] ^ flips[k];
      overwrite(path, (long)i, &byte, 1);
      check(look(path) == HFY_ERR_FORMAT, "a byte is flipped", i);
    }
    file[i] ^= flips[i % 3]; /* a file that was made to harm: its checksum is right */
    if (i < STORE_SUM || i >= STORE_SUM + 16) refused += sealed(path, file, size) != HFY_OK;
    file[i] ^= flips[i % 3];
    overwrite(path, 0, file, size);
  }
  check(refused > 500 && look(path) == HFY_OK, "headers that lie", refused);
  lies(path, file, size, &shape, size - shape.text - 8 * shape.rows);
  f = fopen(path, "ab");
  if (f) fputc(0, f), fclose(f);
  check(look(path) == HFY_ERR_FORMAT, "a byte too many", size);
  for (i = size; i-- > 0;) {
    check(!truncate(path, (off_t)i), "cut", i);
    check(look(path) == HFY_ERR_FORMAT, "cut off", i);
  }
  remove(path);
}

/* Children that die while they save: by the kernel after so many bytes, and by the clock. */
static void killed(const char *dir) {
  char path[500], part[510];
  size_t i, died = 0;
  store s;
  path_of(path, dir, "check.killed");
  snprintf(part, sizeof part, "%s.part", path);
  small(&s, 400, 100);
  check(!store_save(&s, path), s.message, 0);
  for (i = 0; i < 40; i++) {
    const pid_t child = fork();
    int how = 0;
    if (!child) {
      struct rlimit limit;
      hfy_real row[DIM];
      make_row(5000, 0.3, row);
      limit.rlim_cur = limit.rlim_max = (rlim_t)(i * 3000);
      if (i < 20) setrlimit(RLIMIT_FSIZE, &limit);
      for (;;) {
        if (store_add(&s, 5000 + s.rows, row, NULL) || store_save(&s, path) || i < 20) _exit(3);
      }
    }
    if (i >= 20) {
      struct timespec wait = {0, 0};
      wait.tv_nsec = (long)(i - 19) * 700000;
      nanosleep(&wait, NULL);
      kill(child, SIGKILL);
    }
    check(child > 0 && waitpid(child, &how, 0) == child, "a child", i);
    died += WIFSIGNALED(how) != 0;
    {
      store back;
      check(!store_open(&back, path), back.message, i);
      check(i < 20 ? back.rows == 400 : back.rows >= 400, "the old file, or a whole new one", i);
      store_close(&back);
    }
  }
  check(died == 40, "all of them died on the way", died);
  for (i = 0; i < 4; i++) { /* a disk that is full: an error, the old file, and nothing left beside it */
    const pid_t child = fork();
    int how = 0;
    if (!child) {
      struct rlimit limit;
      limit.rlim_cur = limit.rlim_max = (rlim_t)(i * 15000);
      signal(SIGXFSZ, SIG_IGN);
      setrlimit(RLIMIT_FSIZE, &limit);
      _exit(store_save(&s, path) == HFY_ERR_IO && access(part, F_OK) && !store_open(&s, path) ? 7 : 8);
    }
    check(child > 0 && waitpid(child, &how, 0) == child && WIFEXITED(how) && WEXITSTATUS(how) == 7, "a full disk", i);
  }
  store_close(&s);
  remove(path), remove(part);
}
#endif

int main(int argc, char **argv) {
  const char *what = argc == 3 ? argv[1] : "";
  if (!strcmp(what, "write") || !strcmp(what, "read")) {
    two_processes(*what == 'w', argv[2]);
  } else if (!strcmp(what, "rest")) {
    any_order(HFY_SEP_SPARSEMAX, HFY_SIM_DOT, 1);
    any_order(HFY_SEP_ENTMAX, HFY_SIM_DOT, 2);
    any_order(HFY_SEP_SOFTMAX, HFY_SIM_DOT, 3);
    any_order(HFY_SEP_SPARSEMAX, HFY_SIM_EUCLIDEAN, 4);
    refusals();
#ifdef STORE_POSIX
    damage(argv[2], SIZE_MAX);
    damage(argv[2], 1);
    killed(argv[2]);
#endif
  } else {
    fprintf(stderr, "store_check: it should be: store_check write|read|rest DIR\n");
    return 2;
  }
  printf("store %s: %lu passed, %lu failed\n", what, (unsigned long)passed, (unsigned long)failed);
  return failed != 0;
}
