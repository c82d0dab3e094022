/* store.h: a memory that lives. Rows with ids and labels are added and removed, asked for, and saved as one safetensors
   file that another process maps. Include it after hfy.h (it calls the modules net, index and shard); in strict C99
   define _POSIX_C_SOURCE 200809L before the first include, or files are read instead of mapped and saved without fsync.

       store s;
       hfy_net net = {.dim = 64, .beta = 2, .sep.kind = HFY_SEP_SPARSEMAX};
       store_begin(&s, &net);
       store_add(&s, 17, row, "a label or NULL");
       store_recall(&s, queries, n, 5, ids, scores, weights, answers, &work);
       store_save(&s, "memory.safetensors");
       store_close(&s);

   Removed rows are masked until the next save, or until they are a quarter of all, then squeezed out. Where an index
   can help (dots, a separation with a margin, `index_from` rows or more) it is built when somebody asks; rows that come
   later are scanned beside it until they are an eighth of all. None of this changes a bit of an answer.

   The file: {"__metadata__": {format, checksum, settings in words}, index, keys, net, index.head, ids, labels}. The
   checksum is over every byte. Saving writes PATH.part, waits for the disk, and renames it: who is killed on the way
   leaves the old file. The bytes are those of a little-endian machine; keys are F32 (F64 with HFY_DOUBLE). */
#ifndef STORE_H
#define STORE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if (defined(__unix__) || defined(__APPLE__)) && (defined(_POSIX_C_SOURCE) || !defined(__STRICT_ANSI__))
#define STORE_POSIX
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#ifdef __GNUC__
#define STORE_API static __attribute__((unused))
#else
#define STORE_API static
#endif
#define STORE_NONE UINT64_MAX /* the id of no row */
#define STORE_INDEX_FROM 4096 /* rows */
#define STORE_NET 24          /* numbers of a net's settings */
#define STORE_BLOCK 65536     /* bytes that are hashed and written at once */
#define STORE_BATCH 64        /* queries that are answered at once beside an index */

typedef struct store {
  hfy_net net;       /* the settings; keys, count, bias and index are set in each call */
  size_t index_from; /* rows from which on an index is built; 0 = STORE_INDEX_FROM; SIZE_MAX: never */
  char message[256]; /* what the last call that failed had to say */
  /* the rest is read-only */
  size_t rows, dead, room; /* rows, those of them that are removed, and the room for them */
  hfy_real *keys;
  uint64_t *ids;
  size_t *labels; /* where in text the label of a row starts */
  char *text;     /* labels, each with its final 0 */
  size_t text_used, text_room;
  hfy_real *mask;                  /* room: 0, or -INFINITY for a row that was removed; NULL while none was */
  size_t *table, slots, used;      /* row + 1 by id; STORE_GONE */
  hfy_index index;                 /* of the first index.count rows, if index.data */
  void *index_memory;              /* ours, or NULL: in the file */
  unsigned char *file, *file_base; /* its bytes; what to free where it is not mapped */
  size_t file_bytes;
  size_t beside; /* queries that the index and the rows behind it answered together */
} store;
#define STORE_GONE SIZE_MAX

/* ------------------------------------------------------------------------------------------------------------------
   names and settings
   ------------------------------------------------------------------------------------------------------------------ */
static const char *const store_sims[] = {"dot", "cosine", "euclidean", "manhattan"};
static const char *const store_seps[] = {"softmax",   "sparsemax", "entmax", "normmax", "ksubsets", "sequence_ksubsets",
                                         "sparsemap", "identity",  "power",  "exp",     "argmax",   "uniform",
                                         "rectified", "even"};

STORE_API hfy_status store_fail(store *s, hfy_status status, const char *words, const char *detail) {
  snprintf(s->message, sizeof s->message, "%s%s%s", words, detail && *detail ? ": " : "", detail ? detail : "");
  return status;
}

/* The settings as numbers, and back. */
STORE_API void store_numbers(const hfy_net *net, double *x) {
  memset(x, 0, STORE_NET * sizeof *x);
  x[0] = (double)net->sim, x[1] = net->beta, x[2] = (double)net->sep.kind, x[3] = net->sep.k, x[4] = net->sep.alpha;
  x[5] = net->sep.gamma, x[6] = net->sep.degree, x[7] = net->sep.rho, x[8] = net->sep.transition;
  x[9] = (double)net->post.kind, x[10] = net->post.beta, x[11] = net->post.radius, x[12] = net->post.eta;
  x[13] = net->post.eps, x[14] = net->post.power, x[15] = net->post.sigma, x[16] = net->post.theta;
  x[17] = (double)net->post.dof_minus, x[18] = net->step, x[19] = net->tol, x[20] = (double)net->max_steps;
  x[21] = (double)net->null_pattern, x[22] = net->null_score;
}
STORE_API int store_settings(const double *x, size_t dim, hfy_net *net) {
  static const int whole[] = {0, 2, 9, 17, 20, 21}, most[] = {3, 13, 6, 1, 1000000000, 1};
  size_t i;
  for (i = 0; i < 6; i++)
    if (!(x[whole[i]] >= 0 && x[whole[i]] <= most[i]) || x[whole[i]] > floor(x[whole[i]])) return 0;
  memset(net, 0, sizeof *net);
  net->dim = dim, net->sim = (hfy_sim)(int)x[0], net->beta = x[1];
  net->sep.kind = (hfy_sep_kind)(int)x[2], net->sep.k = x[3], net->sep.alpha = x[4], net->sep.gamma = x[5];
  net->sep.degree = x[6], net->sep.rho = x[7], net->sep.transition = x[8];
  net->post.kind = (hfy_post_kind)(int)x[9], net->post.beta = x[10], net->post.radius = x[11], net->post.eta = x[12];
  net->post.eps = x[13], net->post.power = x[14], net->post.sigma = x[15], net->post.theta = x[16];
  net->post.dof_minus = (size_t)x[17], net->step = x[18], net->tol = x[19], net->max_steps = (size_t)x[20];
  net->null_pattern = (int)x[21], net->null_score = x[22];
  return 1;
}

/* Are these settings those of a net without arrays of its own? Whatever else is wrong the library says. */
STORE_API hfy_status store_check(store *s, const hfy_net *net) {
  hfy_work work;
  hfy_net one = *net, back;
  double x[STORE_NET];
  hfy_real key = 0;
  hfy_status status;
  memset(&work, 0, sizeof work);
  store_numbers(net, x);
  if (net->values || net->readout || net->self_coupling || net->bias || net->visible || net->betas || net->alphas ||
      net->gammas || net->ks || net->sep.transitions || net->sep.upper || net->sep.lower || net->sep.structure ||
      net->sep.plus || net->sep.kind == HFY_SEP_SPARSEMAP || net->post.kind == HFY_POST_LINEAR || net->post.gain ||
      net->post.delta || net->key_stride || !store_settings(x, net->dim, &back))
    return store_fail(s, HFY_ERR_UNSUPPORTED, "a store holds rows and plain numbers; the net has other arrays", NULL);
  one.keys = &key, one.count = (size_t)(net->sep.k > 1 && net->sep.k < 1e9 ? ceil(net->sep.k) : 1), one.index = NULL;
  status = hfy_net_check(&one, NULL, &work);
  return status ? store_fail(s, status, work.message, NULL) : HFY_OK;
}

STORE_API hfy_status store_begin(store *s, const hfy_net *net) {
  memset(s, 0, sizeof *s);
  s->net = *net;
  s->net.keys = NULL, s->net.count = 0, s->net.index = NULL;
  return store_check(s, net);
}

STORE_API void store_drop_index(store *s) {
  free(s->index_memory);
  s->index_memory = NULL;
  memset(&s->index, 0, sizeof s->index);
}

STORE_API int store_keys_mapped(const store *s) {
  const unsigned char *keys = (const unsigned char *)s->keys;
  return s->file && keys && keys >= s->file && keys < s->file + s->file_bytes;
}

STORE_API void store_close(store *s) {
  store_drop_index(s);
  if (!store_keys_mapped(s)) free(s->keys);
  free(s->ids), free(s->labels), free(s->text), free(s->mask), free(s->table), free(s->file_base);
#ifdef STORE_POSIX
  if (s->file && !s->file_base) munmap(s->file, s->file_bytes);
#endif
  memset(s, 0, sizeof *s);
}

/* ------------------------------------------------------------------------------------------------------------------
   rows
   ------------------------------------------------------------------------------------------------------------------ */

STORE_API size_t store_slot(const store *s, uint64_t id) {
  uint64_t h = id * UINT64_C(0x9E3779B97F4A7C15);
  size_t i = (size_t)(h ^ h >> 32) & (s->slots - 1);
  while (s->table[i] && (s->table[i] == STORE_GONE || s->ids[s->table[i] - 1] != id)) i = (i + 1) & (s->slots - 1);
  return i;
}

/* The row of an id; SIZE_MAX if there is none. */
STORE_API size_t store_find(const store *s, uint64_t id) {
  return s->slots ? s->table[store_slot(s, id)] - 1 : SIZE_MAX; /* an empty slot is 0 */
}
STORE_API const hfy_real *store_row(const store *s, size_t row) { return s->keys + row * s->net.dim; }
STORE_API const char *store_label(const store *s, size_t row) { return s->text + s->labels[row]; }
STORE_API size_t store_count(const store *s) { return s->rows - s->dead; }

/* All ids into a table of twice the room for them. 0: no memory, or an id that is there twice. */
STORE_API int store_tabulate(store *s, size_t room) {
  size_t slots = 16, row, at;
  while (slots < 2 * room && slots < SIZE_MAX / 4 / sizeof *s->table) slots *= 2;
  free(s->table);
  s->table = (size_t *)calloc(slots, sizeof *s->table);
  s->slots = s->table ? slots : 0, s->used = 0;
  for (row = 0; s->slots && row < s->rows; row++) {
    if (s->mask && s->mask[row] < 0) continue;
    at = store_slot(s, s->ids[row]);
    if (s->table[at]) return 0;
    s->table[at] = row + 1, s->used++;
  }
  return s->slots != 0;
}

/* Room for one more row, and for a label. */
STORE_API int store_grow(store *s, size_t label) {
  const size_t dim = s->net.dim, most = (size_t)PTRDIFF_MAX / 2 / sizeof(double);
  if (s->rows == s->room || (s->rows && store_keys_mapped(s))) {
    const size_t room = s->rows < 8 ? 16 : s->rows + s->rows / 2;
    void *keys, *ids, *labels, *mask;
    if (room > most / dim) return 0;
    keys = realloc(store_keys_mapped(s) ? NULL : s->keys, room * dim * sizeof *s->keys);
    if (!keys) return 0;
    if (store_keys_mapped(s)) memcpy(keys, s->keys, s->rows * dim * sizeof *s->keys);
    s->keys = (hfy_real *)keys;
    ids = realloc(s->ids, room * sizeof *s->ids);
    if (ids) s->ids = (uint64_t *)ids;
    labels = realloc(s->labels, room * sizeof *s->labels);
    if (labels) s->labels = (size_t *)labels;
    mask = s->mask ? realloc(s->mask, room * sizeof *s->mask) : NULL;
    if (mask) s->mask = (hfy_real *)mask;
    if (!ids || !labels || (s->mask && !mask)) return 0;
    s->room = room;
  }
  if (s->text_room - s->text_used < label) {
    const size_t room = s->text_used + s->text_used / 2 + label + 256;
    void *text = room > s->text_used ? realloc(s->text, room) : NULL;
    if (!text) return 0;
    s->text = (char *)text, s->text_room = room;
  }
  return 2 * (s->used + 1) < s->slots || store_tabulate(s, 2 * (s->rows + 1 - s->dead));
}

/* label: or NULL for none, which is "". Errors: ARG (the id is there already, or STORE_NONE), NONFINITE, NOMEM; nothing
   is added then. */
STORE_API hfy_status store_add(store *s, uint64_t id, const hfy_real *row, const char *label) {
  const size_t length = (label ? strlen(label) : 0) + 1;
  char shown[32];
  size_t i;
  snprintf(shown, sizeof shown, "%llu", (unsigned long long)id);
  if (id == STORE_NONE || store_find(s, id) != SIZE_MAX)
    return store_fail(s, HFY_ERR_ARG, "this id is there already (or is no id)", shown);
  for (i = 0; i < s->net.dim; i++)
    if (!(fabs((double)row[i]) < HUGE_VAL)) return store_fail(s, HFY_ERR_NONFINITE, "a row that is not finite", shown);
  if (!store_grow(s, length)) return store_fail(s, HFY_ERR_NOMEM, "no memory for one more row", shown);
  memcpy(s->keys + s->rows * s->net.dim, row, s->net.dim * sizeof *row);
  memcpy(s->text + s->text_used, label ? label : "", length);
  s->ids[s->rows] = id, s->labels[s->rows] = s->text_used, s->text_used += length;
  if (s->mask) s->mask[s->rows] = 0;
  s->table[store_slot(s, id)] = s->rows + 1;
  s->rows++, s->used++;
  return HFY_OK;
}

STORE_API hfy_status store_remove(store *s, uint64_t id) {
  const size_t row = store_find(s, id);
  char shown[32];
  snprintf(shown, sizeof shown, "%llu", (unsigned long long)id);
  if (row == SIZE_MAX) return store_fail(s, HFY_ERR_ARG, "there is no row of this id", shown);
  if (!s->mask) s->mask = (hfy_real *)calloc(s->room ? s->room : 1, sizeof *s->mask);
  if (!s->mask) return store_fail(s, HFY_ERR_NOMEM, "no memory to remove a row", shown);
  s->table[store_slot(s, id)] = STORE_GONE;
  s->mask[row] = (hfy_real)-HUGE_VAL;
  s->dead++;
  return HFY_OK;
}

/* Squeezes removed rows out; the others keep their order. */
STORE_API hfy_status store_compact(store *s) {
  const size_t dim = s->net.dim;
  size_t row, to = 0, text = 0, length;
  if (!s->dead) return HFY_OK;
  if (!store_grow(s, 0)) return store_fail(s, HFY_ERR_NOMEM, "no memory to squeeze out removed rows", NULL);
  store_drop_index(s);
  for (row = 0; row < s->rows; row++) {
    if (s->mask[row] < 0) continue;
    length = strlen(store_label(s, row)) + 1;
    memmove(s->keys + to * dim, s->keys + row * dim, dim * sizeof *s->keys);
    memmove(s->text + text, s->text + s->labels[row], length); /* labels stand in the order of their rows */
    s->ids[to] = s->ids[row], s->labels[to] = text, text += length;
    to++;
  }
  s->rows = to, s->text_used = text, s->dead = 0;
  free(s->mask);
  s->mask = NULL;
  return store_tabulate(s, to + 1) ? HFY_OK : store_fail(s, HFY_ERR_NOMEM, "no memory for a table of ids", NULL);
}

/* ------------------------------------------------------------------------------------------------------------------
   questions
   ------------------------------------------------------------------------------------------------------------------ */

/* Can an index help at all? */
STORE_API int store_indexable(const store *s) {
  return s->net.sim == HFY_SIM_DOT && hfy_sep_margin(&s->net.sep) < HUGE_VAL;
}

/* Builds the index of all rows. */
STORE_API hfy_status store_index(store *s, hfy_work *work) {
  hfy_status status = store_compact(s);
  size_t bytes;
  if (status) return status;
  store_drop_index(s);
  bytes = hfy_index_size(s->rows, s->net.dim, NULL);
  if (!s->rows || bytes == SIZE_MAX) return HFY_OK;
  s->index_memory = malloc(bytes);
  if (!s->index_memory) return store_fail(s, HFY_ERR_NOMEM, "no memory for an index", NULL);
  status = hfy_index_build(s->keys, s->rows, s->net.dim, 0, NULL, s->index_memory, bytes, &s->index, work);
  if (!status) return HFY_OK;
  store_drop_index(s);
  return store_fail(s, status, work ? work->message : "no index", NULL);
}

STORE_API hfy_status store_ready(store *s, hfy_work *work) {
  const size_t from = s->index_from ? s->index_from : STORE_INDEX_FROM;
  const int margin = hfy_sep_margin(&s->net.sep) < HUGE_VAL;
  hfy_status status = HFY_OK;
  if (s->dead && (!margin || s->dead > s->rows / 4)) status = store_compact(s);
  if (!status && store_indexable(s) && s->rows >= from && s->rows - s->index.count > s->rows / 8)
    status = store_index(s, work);
  return status;
}

/* The indexed rows and those behind them, one step, as one memory: to the bit what a scan of all gives. */
STORE_API hfy_status store_both(const store *s, const hfy_net *net, const hfy_real *queries, size_t n, hfy_real *out,
                                const hfy_report *report, hfy_work *work) {
  const size_t first = s->index.count, bytes = hfy_shard_bytes(net, n, 0);
  unsigned char *partials = bytes < SIZE_MAX / 2 ? (unsigned char *)malloc(2 * bytes) : NULL;
  hfy_net slice = *net;
  hfy_status status = HFY_ERR_NOMEM;
  if (!partials) return status;
  slice.index = &s->index, slice.count = first;
  status = hfy_shard_find(&slice, 0, queries, n, 0, partials, bytes, work);
  slice.index = NULL, slice.count = net->count - first, slice.keys += first * net->dim;
  if (slice.bias) slice.bias += first;
  if (!status) status = hfy_shard_find(&slice, first, queries, n, 0, partials + bytes, bytes, work);
  if (!status)
    status = hfy_shard_merge(partials, bytes, partials + bytes, hfy_shard_used(partials + bytes, bytes), work);
  if (!status) status = hfy_shard_finish(net, queries, n, partials, bytes, out, report, work);
  free(partials);
  return status;
}

/* For each of n queries the `top` heaviest rows, heaviest first: their ids, scores and weights (n x top each; then
   STORE_NONE, -INFINITY and 0), and the answer, the mixture of rows that is recalled (answers, n x dim). Each may
   be NULL. Errors: as hfy_retrieve; ARG (nothing is stored). A query without an answer has no ids and leaves its row of
   answers as it was; the others are answered. */
STORE_API hfy_status store_recall(store *s, const hfy_real *queries, size_t n, size_t top, uint64_t *ids,
                                  hfy_real *scores, hfy_real *weights, hfy_real *answers, hfy_work *work) {
  hfy_net net = s->net;
  hfy_status status = store_ready(s, work), one;
  const size_t listed = n && top <= SIZE_MAX / 16 / n ? n * top : 0;
  size_t *index = (size_t *)malloc((listed + 1) * sizeof *index), i, at, some, dim = net.dim;
  hfy_real *more = (hfy_real *)malloc((2 * listed + 1) * sizeof *more);
  hfy_real *out = answers ? answers : (hfy_real *)malloc((n * dim + 1) * sizeof *out);
  hfy_report report;
  memset(&report, 0, sizeof report);
  if (!status && (!index || !more || !out)) status = store_fail(s, HFY_ERR_NOMEM, "no memory for the answers", NULL);
  if (!status && !store_count(s)) status = store_fail(s, HFY_ERR_ARG, "nothing is stored", NULL);
  for (i = 0; !status && i < listed; i++) index[i] = SIZE_MAX, more[i] = (hfy_real)-HUGE_VAL, more[listed + i] = 0;
  net.keys = s->keys, net.count = s->rows, net.bias = s->mask;
  for (at = 0; index && more && out && (!status || at) && at < n; at += some) {
    const int beside = s->index.data && s->index.count < s->rows && net.max_steps <= 1;
    some = beside && n - at > STORE_BATCH ? STORE_BATCH : n - at;
    if (listed) {
      report.top = top, report.top_index = index + at * top;
      report.top_score = more + at * top, report.top_weight = more + listed + at * top;
    }
    one = HFY_ERR_NOMEM;
    if (beside) one = store_both(s, &net, queries + at * dim, some, out + at * dim, &report, work);
    if (!one) s->beside += some;
    net.index = s->index.data && s->index.count == s->rows ? &s->index : NULL;
    if (one) one = hfy_retrieve(&net, queries + at * dim, some, out + at * dim, &report, work);
    if (one && !status)
      status = store_fail(s, one, work && *work->message ? work->message : hfy_status_text(one), NULL);
  }
  for (i = 0; index && more && i < listed && store_count(s); i++) {
    if (ids) ids[i] = index[i] < s->rows ? s->ids[index[i]] : STORE_NONE;
    if (scores) scores[i] = more[i];
    if (weights) weights[i] = more[listed + i];
  }
  free(index), free(more);
  if (out != answers) free(out);
  return status;
}

/* ------------------------------------------------------------------------------------------------------------------
   the file
   ------------------------------------------------------------------------------------------------------------------ */
typedef struct store_shape {
  size_t rows, dim, index, text; /* bytes of index: a multiple of 64 */
  size_t head;                   /* sizeof(hfy_index) of who saved it */
} store_shape;

#define STORE_REAL (sizeof(hfy_real) == 8 ? "F64" : "F32")
#define STORE_FIRST "{\"__metadata__\":{\"format\":\"hfy store 1\",\"checksum\":\""
#define STORE_SUM (8 + sizeof STORE_FIRST - 1) /* where its 16 digits stand */
#define STORE_HEAD 4096                        /* bytes that no header reaches */

/* Four lanes of 8 bytes; every step can be undone, so a change within one word always shows. n: a multiple of 32, but
   for the last time. */
STORE_API void store_hash(uint64_t *lane, const unsigned char *bytes, size_t n) {
  const uint64_t prime = UINT64_C(0x9E3779B185EBCA87);
  uint64_t word;
  size_t i;
  for (; n >= 32; n -= 32)
    for (i = 0; i < 4; i++, bytes += 8) {
      memcpy(&word, bytes, 8);
      lane[i] = (lane[i] ^ word) * prime;
      lane[i] ^= lane[i] >> 29;
    }
  for (i = 0; n; n--, i = (i + 1) & 3) {
    lane[i] = (lane[i] ^ *bytes++) * prime;
    lane[i] ^= lane[i] >> 29;
  }
}
STORE_API void store_digits(const uint64_t *lane, size_t bytes, char *digits) {
  uint64_t h = bytes;
  size_t i;
  for (i = 0; i < 4; i++) {
    h = (h ^ lane[i]) * UINT64_C(0x9E3779B185EBCA87);
    h ^= h >> 32;
  }
  for (i = 0; i < 16; i++) digits[i] = "0123456789abcdef"[h >> (60 - 4 * i) & 15];
}

/* The first bytes of a file, up to its tensors, the checksum 0; their number, a multiple of 64; 0: no such file. */
STORE_API size_t store_header(const hfy_net *net, const store_shape *shape, unsigned char *head) {
  const char *names[] = {"index", "keys", "net", "index.head", "ids", "labels"};
  const char *types[] = {"U8", STORE_REAL, "F64", "U8", "U64", "U8"};
  size_t bytes[6], from = 0, i;
  int n;
  char *text = (char *)head + 8;
  bytes[0] = shape->index, bytes[1] = shape->rows * shape->dim * sizeof(hfy_real), bytes[2] = STORE_NET * 8;
  bytes[3] = shape->head, bytes[4] = shape->rows * 8, bytes[5] = shape->text;
  n = snprintf(text, STORE_HEAD - 8, "%s%016d\",\"separation\":\"%s\",\"beta\":\"%.17g\",\"similarity\":\"%s\"}",
               STORE_FIRST, 0, store_seps[net->sep.kind], net->beta, store_sims[net->sim]);
  for (i = 0; i < 6; i++) {
    const unsigned long long rows = i == 2 ? STORE_NET : i == 1 || i == 4 ? shape->rows : bytes[i];
    n += snprintf(text + n, (size_t)(STORE_HEAD - 8 - n), ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%llu", names[i],
                  types[i], rows);
    if (i == 1) n += snprintf(text + n, (size_t)(STORE_HEAD - 8 - n), ",%llu", (unsigned long long)shape->dim);
    n += snprintf(text + n, (size_t)(STORE_HEAD - 8 - n), "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)from,
                  (unsigned long long)(from + bytes[i]));
    from += bytes[i];
  }
  text[n++] = '}';
  while ((8 + n) % 64) text[n++] = ' ';
  for (i = 0; i < 8; i++) head[i] = (unsigned char)((uint64_t)n >> 8 * i & 255);
  return 8 + (size_t)n;
}

STORE_API int store_little(void) {
  const uint16_t probe = 1;
  return *(const unsigned char *)&probe == 1;
}

typedef struct store_writer {
  FILE *file;
  unsigned char block[STORE_BLOCK];
  size_t held, bytes;
  uint64_t lane[4];
  int failed;
} store_writer;

STORE_API void store_put(store_writer *w, const void *from, size_t n) { /* from NULL: zeros; n 0: what is held */
  const unsigned char *bytes = (const unsigned char *)from;
  size_t some, last = !n;
  for (; n || last; n -= some) {
    some = n < STORE_BLOCK - w->held ? n : STORE_BLOCK - w->held;
    if (bytes && some) memcpy(w->block + w->held, bytes, some);
    if (!bytes) memset(w->block + w->held, 0, some);
    if (bytes) bytes += some;
    w->held += some, w->bytes += some;
    if (w->held == STORE_BLOCK || last) {
      store_hash(w->lane, w->block, w->held);
      w->failed |= fwrite(w->block, 1, w->held, w->file) != w->held;
      w->held = 0;
    }
    last = 0;
  }
}

STORE_API void store_write(const store *s, const store_shape *shape, store_writer *w) {
  unsigned char head[STORE_HEAD];
  char digits[16];
  double net[STORE_NET];
  hfy_index index = s->index;
  const size_t keys = s->rows * s->net.dim * sizeof *s->keys;
  store_numbers(&s->net, net);
  store_put(w, head, store_header(&s->net, shape, head));
  if (shape->index) store_put(w, s->index.data, s->index.bytes);
  if (shape->index > s->index.bytes) store_put(w, NULL, shape->index - s->index.bytes);
  if (keys) store_put(w, s->keys, keys);
  store_put(w, net, sizeof net);
  index.data = NULL;
  store_put(w, &index, sizeof index);
  if (s->rows) store_put(w, s->ids, s->rows * sizeof *s->ids);
  if (s->text_used) store_put(w, s->text, s->text_used);
  store_put(w, NULL, 0);
  store_digits(w->lane, w->bytes, digits);
  w->failed |= fseek(w->file, (long)STORE_SUM, SEEK_SET) || fwrite(digits, 1, 16, w->file) != 16;
}

/* Saves the store, with an index if one helps. Errors: IO, NOMEM, UNSUPPORTED (big-endian machines): the old file stays
   as it was. */
STORE_API hfy_status store_save(store *s, const char *path) {
  store_writer *w = (store_writer *)calloc(1, sizeof *w);
  char *part = (char *)malloc(strlen(path) + 6);
  const size_t from = s->index_from ? s->index_from : STORE_INDEX_FROM;
  store_shape shape;
  hfy_status status = store_compact(s);
  if (!status && (!w || !part)) status = store_fail(s, HFY_ERR_NOMEM, "no memory to save", path);
  if (!store_little()) status = store_fail(s, HFY_ERR_UNSUPPORTED, "saved on little-endian machines only", path);
  if (!status && store_indexable(s) && s->rows >= from && s->index.count < s->rows) status = store_index(s, NULL);
  if (!status) {
    shape.rows = s->rows, shape.dim = s->net.dim, shape.text = s->text_used;
    shape.head = sizeof(hfy_index);
    shape.index = s->index.data && s->index.count == s->rows ? (s->index.bytes + 63) / 64 * 64 : 0;
    sprintf(part, "%s.part", path);
    w->file = fopen(part, "wb");
    if (!w->file) status = store_fail(s, HFY_ERR_IO, "cannot be written", part);
  }
  if (!status) {
    store_write(s, &shape, w);
    w->failed |= fflush(w->file) != 0;
#ifdef STORE_POSIX
    w->failed |= fsync(fileno(w->file)) != 0;
#endif
    w->failed |= fclose(w->file) != 0;
#ifdef _WIN32
    if (!w->failed) (void)remove(path);
#endif
    if (w->failed || rename(part, path)) status = store_fail(s, HFY_ERR_IO, "cannot be written", path);
    if (status) (void)remove(part);
  }
  free(w), free(part);
  return status;
}

/* The bytes of a file, aligned to 64. */
STORE_API hfy_status store_load(store *s, const char *path) {
#ifdef STORE_POSIX
  struct stat about;
  const int file = open(path, O_RDONLY);
  void *map = MAP_FAILED;
  if (file < 0) return store_fail(s, HFY_ERR_IO, "cannot be opened", path);
  if (!fstat(file, &about) && S_ISREG(about.st_mode) && about.st_size > 0 && (uint64_t)about.st_size < PTRDIFF_MAX)
    map = mmap(NULL, s->file_bytes = (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (map == MAP_FAILED) return store_fail(s, HFY_ERR_FORMAT, "an empty file, or none that can be mapped", path);
  s->file = (unsigned char *)map;
#else
  FILE *file = fopen(path, "rb");
  long length;
  if (!file) return store_fail(s, HFY_ERR_IO, "cannot be opened", path);
  if (fseek(file, 0, SEEK_END) || (length = ftell(file)) <= 0 || fseek(file, 0, SEEK_SET)) length = 0;
  s->file_bytes = (size_t)length;
  s->file_base = length ? (unsigned char *)malloc((size_t)length + 64) : NULL;
  if (s->file_base) s->file = s->file_base + (64 - (uintptr_t)s->file_base % 64);
  if (!s->file || fread(s->file, 1, s->file_bytes, file) < s->file_bytes) length = 0;
  fclose(file);
  if (!length) return store_fail(s, HFY_ERR_FORMAT, "an empty file, or one that cannot be read", path);
#endif
  return HFY_OK;
}

/* Is every byte what it was? */
STORE_API hfy_status store_intact(store *s, const char *path) {
  static const char begins[] = STORE_FIRST;
  const unsigned char *file = s->file;
  const size_t version = STORE_SUM - sizeof "\",\"checksum\":\"";
  const size_t first = s->file_bytes < STORE_BLOCK ? s->file_bytes : STORE_BLOCK;
  uint64_t lane[4] = {0, 0, 0, 0};
  unsigned char *block;
  char digits[16];
  if (!store_little()) return store_fail(s, HFY_ERR_UNSUPPORTED, "read on little-endian machines only", path);
  if (s->file_bytes < 600 || memcmp(file + 8, begins, version - 8))
    return store_fail(s, HFY_ERR_FORMAT, "not a memory that `hfy store` saved, or cut off", path);
  if (memcmp(file + version, &begins[version - 8], STORE_SUM - version))
    return store_fail(s, HFY_ERR_FORMAT, "saved by another version, or damaged", path);
  block = (unsigned char *)malloc(STORE_BLOCK);
  if (!block) return store_fail(s, HFY_ERR_NOMEM, "no memory to read", path);
  memcpy(block, file, first);
  memset(block + STORE_SUM, '0', 16);
  store_hash(lane, block, first);
  free(block);
  if (s->file_bytes > first) store_hash(lane, file + first, s->file_bytes - first);
  store_digits(lane, s->file_bytes, digits);
  return memcmp(digits, file + STORE_SUM, 16) ? store_fail(s, HFY_ERR_FORMAT, "damaged or cut off", path) : HFY_OK;
}

/* A number of the header that stands behind a text. */
STORE_API size_t store_number(const char *head, const char *behind, int second) {
  const char *at = strstr(head, behind);
  unsigned long long n = 0;
  if (!at) return SIZE_MAX;
  at += strlen(behind);
  if (second) at += strspn(at, "0123456789") + 1;
  for (; *at >= '0' && *at <= '9' && n < UINT64_C(1) << 48; at++) n = n * 10 + (unsigned)(*at - '0');
  return n < SIZE_MAX / 64 ? (size_t)n : SIZE_MAX;
}

/* What the file says it holds: its header must be the one that would be written for it. *data: the first tensor. */
STORE_API hfy_status store_read_head(store *s, const char *path, store_shape *shape, const unsigned char **data) {
  char text[STORE_HEAD + 1], *keys = text;
  unsigned char again[STORE_HEAD];
  double net[STORE_NET];
  const size_t bytes = s->file_bytes;
  size_t length = 0, i, left;
  for (i = 0; i < 8; i++) length |= (size_t)s->file[i] << 8 * i;
  if (length > STORE_HEAD - 8 || length > bytes - 8)
    return store_fail(s, HFY_ERR_FORMAT, "its header is too long", path);
  memcpy(text, s->file + 8, length);
  memset(text + STORE_SUM - 8, '0', 16);
  text[length] = 0;
  shape->index = store_number(text, "\"index\":{\"dtype\":\"U8\",\"shape\":[", 0);
  keys = strstr(text, ",\"keys\":{\"dtype\":\"");
  if (keys && memcmp(keys + 18, STORE_REAL, 3))
    return store_fail(s, HFY_ERR_FORMAT,
                      sizeof(hfy_real) == 8 ? "its keys are F32; this build reads F64"
                                            : "its keys are F64; this build reads F32",
                      path);
  shape->rows = keys ? store_number(keys, "\"shape\":[", 0) : SIZE_MAX;
  shape->dim = keys ? store_number(keys, "\"shape\":[", 1) : SIZE_MAX;
  shape->text = store_number(text, "\"labels\":{\"dtype\":\"U8\",\"shape\":[", 0);
  shape->head = store_number(text, "\"index.head\":{\"dtype\":\"U8\",\"shape\":[", 0);
  left = bytes - 8 - length;
  if (!shape->dim || shape->index > left || shape->text > left || shape->head > left || shape->rows > left / 8 ||
      shape->dim > left ||
      shape->index % 64 || (shape->rows && shape->dim > left / sizeof(hfy_real) / shape->rows) ||
      left != shape->index + shape->rows * shape->dim * sizeof(hfy_real) + sizeof net + shape->head +
                  shape->rows * 8 + shape->text)
    return store_fail(s, HFY_ERR_FORMAT, "its tensors do not fill it", path);
  *data = s->file + 8 + length;
  memcpy(net, *data + shape->index + shape->rows * shape->dim * sizeof(hfy_real), sizeof net);
  if (!store_settings(net, shape->dim, &s->net) || store_check(s, &s->net))
    return store_fail(s, HFY_ERR_FORMAT, "its settings are those of no net", path);
  if (store_header(&s->net, shape, again) != 8 + length || memcmp(again, s->file, 8) || memcmp(again + 8, text, length))
    return store_fail(s, HFY_ERR_FORMAT, "its header is not as it should be", path);
  return HFY_OK;
}

/* Opens what store_save wrote: the keys and the index stay in the file, which another save may replace meanwhile.
   Errors: IO, FORMAT (another version, damaged, cut off), NOMEM, UNSUPPORTED; s is then closed, with its message. */
STORE_API hfy_status store_open(store *s, const char *path) {
  const unsigned char *at = NULL;
  store_shape shape;
  hfy_status status;
  size_t i, row;
  memset(s, 0, sizeof *s);
  status = store_load(s, path);
  if (!status) status = store_intact(s, path);
  if (!status) status = store_read_head(s, path, &shape, &at);
  if (!status) {
    const size_t keys = shape.rows * shape.dim * sizeof *s->keys;
    s->index.data = shape.index ? at : NULL;
    s->keys = (hfy_real *)(uintptr_t)(at + shape.index);
    at += shape.index + keys + STORE_NET * 8;
    s->rows = s->room = shape.rows;
    s->ids = (uint64_t *)malloc((shape.rows + 1) * sizeof *s->ids);
    s->labels = (size_t *)malloc((shape.rows + 1) * sizeof *s->labels);
    s->text = (char *)malloc(shape.text + 1);
    if (!s->ids || !s->labels || !s->text) status = store_fail(s, HFY_ERR_NOMEM, "no memory for its ids", path);
  }
  if (!status) {
    if (shape.index) {
      const void *data = s->index.data;
      memcpy(&s->index, at, shape.head < sizeof s->index ? shape.head : sizeof s->index);
      s->index.data = data, s->index.generation = 0;
      if (shape.head != sizeof s->index || s->index.bytes > shape.index ||
          hfy_index_check(&s->index, s->keys, shape.rows, shape.dim, 0, NULL))
        store_drop_index(s); /* of another build: made again when it is needed */
    }
    at += shape.head;
    memcpy(s->ids, at, shape.rows * sizeof *s->ids);
    memcpy(s->text, at + shape.rows * 8, shape.text);
    s->text_used = s->text_room = shape.text;
    for (i = row = 0; i < shape.text && row < shape.rows; row++) {
      s->labels[row] = i;
      while (i < shape.text && s->text[i++]) {
      }
    }
    if (row < shape.rows || i < shape.text || (i && s->text[i - 1]))
      status = store_fail(s, HFY_ERR_FORMAT, "its labels are not one a row", path);
    else if (!store_tabulate(s, shape.rows + 1))
      status = store_fail(s, HFY_ERR_FORMAT, "an id is there twice (or no memory)", path);
  }
  if (status) {
    char message[sizeof s->message];
    memcpy(message, s->message, sizeof message);
    store_close(s);
    memcpy(s->message, message, sizeof message);
  }
  return status;
}

#endif
