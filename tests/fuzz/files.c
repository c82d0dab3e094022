/* files: .npy, .safetensors and partials: raw bytes as they are, and valid files that the input then damages. */
#define HFY_ONLY_FILE
#define HFY_ONLY_SHARD
#include "fuzz.h"

typedef struct bytes {
  unsigned char *at;
  size_t size;
} bytes;

/* The rest of the input, or up to n bytes of it. */
static bytes raw(size_t n) {
  bytes b;
  b.size = fuzz_left < n ? fuzz_left : n;
  b.at = (unsigned char *)fuzz_room(b.size);
  memcpy(b.at, fuzz_at, b.size);
  fuzz_at += b.size, fuzz_left -= b.size;
  return b;
}

/* A copy with bits flipped, bytes set, taken out, put in or doubled, the end cut off; in memory that ends there. */
static bytes damaged(bytes from) {
  static const char *const words[] = {"[",
                                      "]",
                                      "{",
                                      "}",
                                      "\"",
                                      ":",
                                      ",",
                                      "()",
                                      "0",
                                      "1",
                                      "-",
                                      "1e3",
                                      "18446744073709551616",
                                      "9223372036854775807",
                                      "\\u0041",
                                      "<f8",
                                      ">i4",
                                      "|u1",
                                      "True",
                                      "False",
                                      "F16",
                                      "BF16",
                                      "__metadata__",
                                      "\n",
                                      "\\",
                                      "data_offsets",
                                      "\"a\":{\"x\":\"y\"},",
                                      "{\"__metadata__\":{"};
  static unsigned char to[8192];
  size_t size = from.size, edits = fuzz_below(5);
  bytes b;
  memcpy(to, from.at, size);
  for (; edits; edits--) {
    const size_t way = fuzz_below(8), at = fuzz_below(size < 160 || fuzz_below(2) ? (size < 160 ? size : 160) : size);
    const char *word = words[fuzz_below(COUNT(words))];
    const size_t length = strlen(word), part = fuzz_below(size - at + 1);
    if (way == 0 && size) to[at] = (unsigned char)(to[at] ^ 1u << fuzz_below(8));
    if (way == 1 && size) to[at] = (unsigned char)fuzz_bits(1);
    if (way == 2) memmove(to + at, to + at + part, size - at - part), size -= part;
    if (way == 3) size = at + part;
    if ((way == 4 || way == 5) && size + length < sizeof to)
      memmove(to + at + length, to + at, size - at), size += length;
    if ((way == 4 || way == 5) && at + length <= size && size >= length) memcpy(to + at, word, length);
    if (way == 6 && at + length <= size) memcpy(to + at, word, length);
    if (way == 7 && size + part < sizeof to) memmove(to + at + part, to + at, size - at), size += part;
  }
  b.size = size, b.at = (unsigned char *)memcpy(fuzz_room(size), to, size);
  return b;
}

static void npy(bytes b) {
  hfy_npy *info = (hfy_npy *)fuzz_output(sizeof *info), said;
  const size_t room = fuzz_below(300);
  hfy_real *x;
  size_t i, count = 1;
  if (!FUZZ_KEPT(hfy_file_npy_parse, (b.at, b.size, info, &fuzz_work))) memset(info, 0, sizeof *info);
  said = *info;
  for (i = 0; i < said.rank; i++) count *= said.shape[i];
  CHECK(said.rank <= HFY_FILE_RANK && (count == said.count || !said.item_size) && said.data_offset <= b.size);
  info = (hfy_npy *)fuzz_output(sizeof *info), x = (hfy_real *)fuzz_output(room * sizeof *x);
  if (FUZZ_KEPT(hfy_file_npy_decode, (b.at, b.size, x, room, info, &fuzz_work)))
    CHECK(!memcmp(info, &said, sizeof said) && said.count <= room &&
          b.size - said.data_offset >= count * said.item_size);
  else
    CHECK(!said.item_size || said.count > room || (b.size - said.data_offset) / said.item_size < said.count);
  (void)FUZZ_KEPT(hfy_file_npy_decode_double, (b.at, b.size, (double *)fuzz_output(room * sizeof(double)), room, info,
                                              &fuzz_work));
}

static bytes some_npy(void) {
  static const char *const types[] = {"<f4", "<f8", ">f4", ">f8", "|u1", "|i1", "<i4", ">i8", "=f4", "f8",
                                      "<f2", ">f2", "|b1", ">u2", "<i2", "<u4", ">u8"};
  static unsigned char file[2000];
  size_t shape[HFY_FILE_RANK], rank = fuzz_below(5), size = 0, length = 0, i, count = 1;
  bytes b;
  for (i = 0; i < rank; i++) count *= shape[i] = fuzz_below(4);
  if (fuzz_below(2)) {
    CHECK(hfy_file_npy_header(shape, rank, file, sizeof file, &size, &fuzz_work) == HFY_OK && size <= 256 &&
          size % 64 == 0);
  } else {
    char *dict = (char *)file + 10;
    length = (size_t)sprintf(dict, "{'descr': '%s', 'fortran_order': %s, 'shape': (", types[fuzz_below(COUNT(types))],
                             fuzz_below(2) ? "True" : "False");
    for (i = 0; i < rank; i++) length += (size_t)sprintf(dict + length, "%lu,", (unsigned long)shape[i]);
    length += (size_t)sprintf(dict + length, "), }%*s\n", (int)fuzz_below(70), "");
    memcpy(file, "\x93NUMPY\1", 8);
    file[8] = (unsigned char)(length & 255), file[9] = (unsigned char)(length >> 8);
    size = 10 + length;
  }
  for (i = 0; i < 8 * count && size < sizeof file; i++) file[size++] = (unsigned char)(i * 37);
  b.at = file, b.size = size;
  return b;
}

/* A table of a few entries, their places in x without overlap. */
static size_t some_table(hfy_param *table, size_t *room) {
  static const char *const names[] = {"a", "b.weight", "layer.0.bias", "__metadata__", "x y"};
  size_t n = fuzz_below(4), i, k;
  memset(table, 0, 4 * sizeof *table);
  for (i = 0, *room = 0; i < n; i++) {
    strcpy(table[i].name, names[fuzz_below(8) ? i : fuzz_below(COUNT(names))]);
    table[i].offset = *room, table[i].rank = fuzz_below(4), table[i].count = 1;
    for (k = 0; k < table[i].rank; k++) table[i].count *= table[i].shape[k] = fuzz_below(4);
    *room += table[i].count;
  }
  return n;
}

static void safetensors(int bare) {
  hfy_param table[4];
  size_t room, n = some_table(table, &room), *size;
  hfy_real *x, *y;
  bytes b, d;
  int same;
  x = (hfy_real *)fuzz_reals(room, 0);
  size = (size_t *)fuzz_output(sizeof *size);
  b.size = bare ? 0 : 4096, b.at = (unsigned char *)fuzz_output(b.size);
  if (!bare && !FUZZ_KEPT(hfy_file_safetensors_encode, (table, n, x, b.at, b.size, size, &fuzz_work))) return;
  if (!bare) b.size = *size;
  d = bare ? raw(4096) : damaged(b);
  if (bare && fuzz_below(2) && d.size >= 8) { /* a length that fits */
    memset(d.at, 0, 8);
    d.at[0] = (unsigned char)((d.size - 8) & 255), d.at[1] = (unsigned char)((d.size - 8) >> 8);
  }
  same = !bare && d.size == b.size && same_bits(d.at, b.at, b.size);
  y = (hfy_real *)fuzz_output(room * sizeof *y);
  fuzz_outputs = 0, fuzz_output_at[fuzz_outputs++] = fuzz_block - 1;
  if (FUZZ_KEPT(hfy_file_safetensors_decode, (d.at, d.size, table, n, y, &fuzz_work)))
    CHECK(!same || same_bits(x, y, room * sizeof *x));
  else
    CHECK(!same);
}

/* Two partials of a net; one of them damaged, perhaps sealed again. */
static void partials(void) {
  const size_t count = 2 + fuzz_below(20), dim = 1 + fuzz_below(6), asked = fuzz_below(4), half = fuzz_below(count + 1);
  const size_t room = asked * dim * sizeof(hfy_real);
  hfy_real *keys = fuzz_reals(count * dim, fuzz_below(4) > 0), *queries, *out;
  hfy_status *status;
  hfy_report report;
  hfy_net net, slice;
  bytes a, b, d;
  size_t i, capacity = fuzz_below(6);
  int intact;
  memset(&net, 0, sizeof net), memset(&report, 0, sizeof report);
  queries = fuzz_reals(asked * dim, fuzz_below(4) > 0);
  net.dim = dim, net.count = count, net.keys = keys, net.sep = fuzz_sep(count, 0), net.beta = fuzz_parameter();
  net.post.kind = (hfy_post_kind)fuzz_below(HFY_POST_LAYERNORM + 1);
  a.size = b.size = hfy_shard_bytes(&net, asked, capacity);
  if (a.size > 8000) return;
  a.at = (unsigned char *)fuzz_output(a.size), b.at = (unsigned char *)fuzz_room(b.size);
  slice = net, slice.count = half;
  if (!FUZZ_KEPT(hfy_shard_find, (&slice, 0, queries, asked, capacity, a.at, a.size, &fuzz_work))) return;
  slice.count = count - half, slice.keys += half * dim;
  CHECK(hfy_shard_find(&slice, half, queries, asked, capacity, b.at, b.size, &fuzz_work) == HFY_OK);
  b.size = hfy_shard_used(b.at, b.size);
  d = fuzz_below(8) ? damaged(b) : raw(2000);
  intact = d.size >= b.size && same_bits(d.at, b.at, b.size);
  if (!fuzz_below(3) && hfy_shard_used(d.at, d.size)) {
    hfy_shard_head_ head;
    memcpy(&head, d.at, sizeof head);
    if (head.bytes >= sizeof head) head.seal = hfy_shard_seal_(d.at, &head);
    memcpy(d.at, &head, sizeof head);
    intact = 2;
  }
  (void)hfy_shard_needed(d.at, d.size);
  for (i = 0; i < 2; i++) { /* the damaged one alone, then both */
    const bytes whole = i ? a : d;
    if (i) {
      bytes copy;
      hfy_status merged;
      copy.at = (unsigned char *)memcpy(fuzz_room(a.size), a.at, a.size);
      merged = hfy_shard_merge(a.at, a.size, d.at, d.size, &fuzz_work);
      CHECK((!merged || (same_bits(copy.at, a.at, a.size) && fuzz_work.message[0])) && (merged ? intact != 1 : intact));
    }
    out = (hfy_real *)fuzz_room(room), status = (hfy_status *)fuzz_room((asked + 1) * sizeof *status);
    memset(out, 0x44, room), memset(status, 0, (asked + 1) * sizeof *status);
    report.status = status;
    net.count = fuzz_below(2) ? count : 0;
    status[asked] = hfy_shard_finish(&net, queries, asked, whole.at, whole.size, out, &report, &fuzz_work);
    if (!CHECK(!status[asked] == !fuzz_work.message[0])) printf("      (hfy_shard_finish: %s)\n", fuzz_work.message);
    if (!status[asked]) CHECK(fuzz_finite_reals(out, asked * dim));
    if (status[asked] == HFY_ERR_FORMAT) CHECK(intact != 1 || i);
  }
}

static void fuzz(void) {
  const size_t way = fuzz_below(8);
  if (way == 0) npy(raw(4096));
  if (way < 3 && way) npy(damaged(some_npy()));
  if (way >= 3 && way < 6) safetensors(way == 3);
  if (way > 5) partials();
}
