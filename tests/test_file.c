/* test_file.c: .npy files as other programs write them, round trips, every type and order against a slow encoder, and
   bytes that lie. Buffers are exactly as long as they claim, so that a build with an address checker sees every byte
   read too many. */
#include "failing.h"

static long tell_fails; /* ftell does not know, as for lengths beyond a long */
#define ftell(file) (tell_fails ? -1L : (ftell)(file))

#define HFY_STATIC /* what no test reaches is not compiled */
#define HFY_IMPLEMENTATION
#include "../hfy.h"
#undef ftell
#undef fread
#undef fwrite
#undef fclose
#undef fseek
#undef rename
#include "check.h"

#ifndef CHECK_SCRATCH
#define CHECK_SCRATCH "test_file_" CHECK_PRECISION ".tmp"
#endif
#define PATH CHECK_SCRATCH

/* --- files as numpy 1.24 writes them --- */

static const char numpy_f4[] =
    "\223NUMPY\001\000v\000{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }                             "
    "                             \012\000\000\200\077\000\000 \300\000\000@@\315\314\314=\314q\005\000\000\000\200"
    "\177";

static const char numpy_f8_fortran[] =
    "\223NUMPY\001\000v\000{'descr': '<f8', 'fortran_order': True, 'shape': (3, 4), }                              "
    "                             \012\000\000\000\000\000\000\360\277\000\000\000\000\000\000\000\000\000\000\000"
    "\000\000\000\360\077\000\000\000\000\000\000\350\277\000\000\000\000\000\000\320\077\000\000\000\000\000\000"
    "\364\077\000\000\000\000\000\000\340\277\000\000\000\000\000\000\340\077\000\000\000\000\000\000\370\077\000"
    "\000\000\000\000\000\320\277\000\000\000\000\000\000\350\077\000\000\000\000\000\000\374\077";

static const char numpy_i8_big[] =
    "\223NUMPY\001\000v\000{'descr': '>i8', 'fortran_order': False, 'shape': (4,), }                               "
    "                             \012\000\000\000\000\000\000\000\001\377\377\377\377\377\377\377\376\000 \000\000"
    "\000\000\000\000\300\000\000\000\000\000\000\000";

static const char numpy_u1_cube[] =
    "\223NUMPY\001\000v\000{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4), }                           "
    "                             \012\000x(\240P\310\012\2022\252Z\322\024\214<\264d\334\036\226F\276n\346";

static const char numpy_i1_v2[] =
    "\223NUMPY\002\000t\000\000\000{'descr': '|i1', 'fortran_order': False, 'shape': (2, 1, 2), }                  "
    "                                   \012\200\377\000\177";

static const char numpy_i4_scalar_v3[] =
    "\223NUMPY\003\000t\000\000\000{'descr': '>i4', 'fortran_order': False, 'shape': (), }                         "
    "                                   \012\370\2442\353";

static const char numpy_f2[] =
    "\223NUMPY\001\000v\000{'descr': '<f2', 'fortran_order': False, 'shape': (6,), }                          "
    "                                  \012\000<\000\301\377{\001\000\000|f.";

static const char numpy_b1[] =
    "\223NUMPY\001\000v\000{'descr': '|b1', 'fortran_order': False, 'shape': (2, 2), }                        "
    "                                  \012\001\000\000\001";

static const char numpy_u2_big[] =
    "\223NUMPY\001\000v\000{'descr': '>u2', 'fortran_order': False, 'shape': (4,), }                          "
    "                                  \012\000\000\000\001\001\000\377\377";

static const char numpy_i2_fortran[] =
    "\223NUMPY\001\000v\000{'descr': '<i2', 'fortran_order': True, 'shape': (2, 2), }                         "
    "                                  \012\000\000\377\177\377\377\000\200";

static const char numpy_u4[] =
    "\223NUMPY\001\000v\000{'descr': '<u4', 'fortran_order': False, 'shape': (3,), }                          "
    "                                  \012\000\000\000\000\001\000\000\000\377\377\377\377";

static const char numpy_u8[] =
    "\223NUMPY\001\000v\000{'descr': '<u8', 'fortran_order': False, 'shape': (3,), }                          "
    "                                  \012\000\000\000\000\000\000\000\200\377\377\377\377\377\377\377\377"
    "\001\000\000\001\000\000\000\000";

static const char numpy_empty[] =
    "\223NUMPY\001\000v\000{'descr': '<f8', 'fortran_order': False, 'shape': (0, 7), }                             "
    "                             \012";

/* --- building blocks --- */

/* A copy of size bytes with nothing behind it. */
static unsigned char *exact(const void *bytes, size_t size) {
  unsigned char *copy = (unsigned char *)malloc(size ? size : 1);
  if (!copy) abort();
  if (size) memcpy(copy, bytes, size);
  return copy;
}

/* A .npy file from its parts: version, dict, and size bytes of data. */
static unsigned char *build(int version, const char *dict, const void *data, size_t data_size, size_t *size) {
  size_t length = strlen(dict), start = version == 1 ? 10 : 12;
  unsigned char *bytes = (unsigned char *)malloc(start + length + data_size);
  if (!bytes) abort();
  memcpy(bytes, "\x93NUMPY", 6);
  bytes[6] = (unsigned char)version;
  bytes[7] = 0;
  bytes[8] = (unsigned char)(length & 255);
  bytes[9] = (unsigned char)(length >> 8);
  if (version > 1) bytes[10] = bytes[11] = 0;
  memcpy(bytes + start, dict, length);
  if (data_size) memcpy(bytes + start + length, data, data_size);
  *size = start + length + data_size;
  return bytes;
}

static void write_file(const void *bytes, size_t size) {
  FILE *file;
  remove(PATH); /* some disks are waited for where a file is cut to nothing and written again */
  file = fopen(PATH, "wb");
  if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) abort();
}

static int same_info(const hfy_npy *a, const hfy_npy *b) {
  size_t i;
  int same = a->rank == b->rank && a->count == b->count && a->item_size == b->item_size &&
             a->data_offset == b->data_offset && a->type == b->type && a->swapped == b->swapped &&
             a->fortran == b->fortran;
  for (i = 0; i < HFY_FILE_RANK; i++) same &= a->shape[i] == b->shape[i];
  return same;
}

/* Parses a header that should be fine. */
static hfy_npy parse_dict(const char *dict) {
  size_t size;
  unsigned char *bytes = build(1, dict, NULL, 0, &size);
  hfy_npy info;
  hfy_work work = {0};
  hfy_status status = hfy_file_npy_parse(bytes, size, &info, &work);
  if (!CHECK(status == HFY_OK)) {
    printf("    %s: %s\n", dict, work.message);
    memset(&info, 0, sizeof info);
  } else {
    CHECK(info.data_offset == size);
  }
  free(bytes);
  return info;
}

/* And one that should not. */
static void refuse_dict(const char *dict, const char *words) {
  int version;
  for (version = 1; version <= 3; version++) {
    size_t size;
    unsigned char *bytes = build(version, dict, NULL, 0, &size);
    hfy_npy info, before;
    hfy_work work = {0};
    memset(&info, 7, sizeof info);
    before = info;
    if (!CHECK(hfy_file_npy_parse(bytes, size, &info, &work) == HFY_ERR_FORMAT)) printf("    accepted: %s\n", dict);
    CHECK_CONTAINS(work.message, words);
    CHECK(same_info(&info, &before));
    free(bytes);
  }
}

/* --- files of another hand --- */

/* The same file from memory and from disk. */
static hfy_npy both_ways(const void *bytes, size_t size, hfy_real *out, size_t capacity) {
  unsigned char *copy = exact(bytes, size);
  hfy_npy info, on_disk, peeked;
  hfy_real again[64];
  double doubles[64], memory[64];
  size_t i;
  memset(&info, 0, sizeof info);
  memset(&on_disk, 0, sizeof on_disk);
  memset(&peeked, 0, sizeof peeked);
  CHECK(hfy_file_npy_decode(copy, size, out, capacity, &info, NULL) == HFY_OK);
  write_file(bytes, size);
  CHECK(hfy_file_npy_info(PATH, &peeked, NULL) == HFY_OK);
  CHECK(hfy_file_npy_read(PATH, again, 64, &on_disk, NULL) == HFY_OK);
  CHECK(same_info(&info, &on_disk) && same_info(&info, &peeked));
  for (i = 0; i < info.count; i++) CHECK(!memcmp(again + i, out + i, sizeof *out));
  memset(&on_disk, 0, sizeof on_disk);
  CHECK(hfy_file_npy_read_double(PATH, doubles, 64, &on_disk, NULL) == HFY_OK && same_info(&info, &on_disk));
  CHECK(hfy_file_npy_decode_double(copy, size, memory, capacity, &on_disk, NULL) == HFY_OK);
  CHECK(same_info(&info, &on_disk) && !memcmp(memory, doubles, info.count * sizeof *memory));
  for (i = 0; i < info.count; i++) CHECK_EQ(out[i], (double)(hfy_real)doubles[i]);
  remove(PATH);
  free(copy);
  return info;
}

TEST(numpy_files) {
  hfy_real x[64];
  hfy_npy info;
  size_t i, j, k;
  info = both_ways(numpy_f4, sizeof numpy_f4 - 1, x, 6);
  CHECK(info.rank == 2 && info.shape[0] == 2 && info.shape[1] == 3 && info.shape[2] == 1 && info.shape[7] == 1);
  CHECK(info.count == 6 && info.item_size == 4 && info.type == 'f' && !info.fortran && info.data_offset == 128);
  CHECK_EQ(x[0], 1);
  CHECK_EQ(x[1], -2.5);
  CHECK_EQ(x[2], 3);
  CHECK_EQ(x[3], (float)0.1); /* a constant may have digits in excess (FLT_EVAL_METHOD 1) */
  CHECK_EQ(x[4], ldexp(356812, -149)); /* 5e-40, a subnormal */
  CHECK(hfy_base_is_pos_inf_((double)x[5]));
  info = both_ways(numpy_f8_fortran, sizeof numpy_f8_fortran - 1, x, 12);
  CHECK(info.rank == 2 && info.shape[0] == 3 && info.shape[1] == 4 && info.item_size == 8 && info.fortran == 1);
  for (i = 0; i < 12; i++) CHECK_EQ(x[i], (double)i * 0.25 - 1);
  info = both_ways(numpy_i8_big, sizeof numpy_i8_big - 1, x, 4);
  CHECK(info.rank == 1 && info.shape[0] == 4 && info.type == 'i' && info.item_size == 8);
  CHECK(x[0] == 1 && x[1] == -2 && x[2] == (hfy_real)9007199254740992.0 && x[3] == (hfy_real)-4611686018427387904.0);
  info = both_ways(numpy_u1_cube, sizeof numpy_u1_cube - 1, x, 24);
  CHECK(info.rank == 3 && info.shape[2] == 4 && info.type == 'u' && info.item_size == 1 && !info.swapped);
  for (i = 0; i < 2; i++)
    for (j = 0; j < 3; j++)
      for (k = 0; k < 4; k++) CHECK_EQ(x[(i * 3 + j) * 4 + k], (double)((((i * 3 + j) * 4 + k) * 10) % 256));
  info = both_ways(numpy_i1_v2, sizeof numpy_i1_v2 - 1, x, 4);
  CHECK(info.rank == 3 && info.shape[1] == 1 && info.type == 'i' && info.item_size == 1 && info.data_offset == 128);
  CHECK(x[0] == -128 && x[1] == -1 && x[2] == 0 && x[3] == 127);
  info = both_ways(numpy_i4_scalar_v3, sizeof numpy_i4_scalar_v3 - 1, x, 1);
  CHECK(info.rank == 0 && info.count == 1 && info.shape[0] == 1 && info.item_size == 4);
  CHECK_EQ(x[0], (hfy_real)-123456789);
  info = both_ways(numpy_f2, sizeof numpy_f2 - 1, x, 6);
  CHECK(info.rank == 1 && info.count == 6 && info.type == 'f' && info.item_size == 2);
  CHECK(x[0] == 1 && x[1] == (hfy_real)-2.5 && x[2] == 65504 && x[5] == (hfy_real)0.0999755859375);
  CHECK_EQ(x[3], ldexp(1, -24)); /* a subnormal there */
  CHECK(hfy_base_is_pos_inf_((double)x[4]));
  info = both_ways(numpy_b1, sizeof numpy_b1 - 1, x, 4);
  CHECK(info.rank == 2 && info.type == 'b' && info.item_size == 1);
  CHECK(x[0] == 1 && x[1] == 0 && x[2] == 0 && x[3] == 1);
  info = both_ways(numpy_u2_big, sizeof numpy_u2_big - 1, x, 4);
  CHECK(info.type == 'u' && info.item_size == 2 && x[0] == 0 && x[1] == 1 && x[2] == 256 && x[3] == 65535);
  info = both_ways(numpy_i2_fortran, sizeof numpy_i2_fortran - 1, x, 4);
  CHECK(info.type == 'i' && info.fortran && x[0] == 0 && x[1] == -1 && x[2] == 32767 && x[3] == -32768);
  info = both_ways(numpy_u4, sizeof numpy_u4 - 1, x, 3);
  CHECK(info.type == 'u' && info.item_size == 4 && x[0] == 0 && x[1] == 1 && x[2] == (hfy_real)4294967295.0);
  info = both_ways(numpy_u8, sizeof numpy_u8 - 1, x, 3);
  CHECK(info.type == 'u' && x[0] == (hfy_real)9223372036854775808.0 && x[1] == (hfy_real)18446744073709551616.0);
  CHECK_EQ(x[2], sizeof(hfy_real) == 8 ? 16777217 : 16777216);
  info = both_ways(numpy_empty, sizeof numpy_empty - 1, x, 0);
  CHECK(info.rank == 2 && info.shape[0] == 0 && info.shape[1] == 7 && info.count == 0);
}

/* --- headers --- */

TEST(dicts_that_are_fine) {
  hfy_npy info;
  char text[300];
  size_t i;
  info = parse_dict("{'descr':'<f4','fortran_order':False,'shape':(3,)}");
  CHECK(info.rank == 1 && info.count == 3 && info.type == 'f' && info.item_size == 4 && info.fortran == 0);
  info = parse_dict(" \t{ \"shape\" : ( 2 , 3 , ) ,\n \"fortran_order\"\t: True , 'descr' : \"<i8\" , } \r\n  ");
  CHECK(info.rank == 2 && info.count == 6 && info.type == 'i' && info.item_size == 8 && info.fortran == 1);
  info = parse_dict("{'fortran_order': False, 'shape': (), 'descr': '=i4'}\n");
  CHECK(info.rank == 0 && info.count == 1 && info.item_size == 4 && !info.swapped);
  info = parse_dict("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3, 4, 5, 6, 7, 8), }\n");
  CHECK(info.rank == 8 && info.count == 40320 && info.type == 'u' && info.shape[7] == 8);
  info = parse_dict("{'descr': '<f8', 'fortran_order': False, 'shape': (3L, 4L)}"); /* an old Python's */
  CHECK(info.rank == 2 && info.count == 12);
  info = parse_dict("{'descr': '<i1', 'fortran_order': False, 'shape': (0, 5)}");
  CHECK(info.count == 0 && info.shape[0] == 0 && !info.swapped);
  { /* the orders, on any machine */
    const uint16_t probe = 1;
    unsigned char first;
    int little;
    static const char *const types[] = {"f4", "f8", "i4", "i8", "f2", "u2", "i2", "u4", "u8", "u1", "i1", "b1"};
    memcpy(&first, &probe, 1);
    little = first == 1;
    for (i = 0; i < 12; i++) {
      const char wide = i < 9;
      sprintf(text, "{'descr': '<%s', 'fortran_order': False, 'shape': (1,)}", types[i]);
      CHECK(parse_dict(text).swapped == (wide && !little));
      sprintf(text, "{'descr': '>%s', 'fortran_order': False, 'shape': (1,)}", types[i]);
      CHECK(parse_dict(text).swapped == (wide && little));
      sprintf(text, "{'descr': '=%s', 'fortran_order': False, 'shape': (1,)}", types[i]);
      CHECK(parse_dict(text).swapped == 0);
    }
  }
}

TEST(dicts_that_are_not) {
  static const char *const rows[][2] = {
    {"", "malformed at byte"},
    {"{", "malformed at byte"},
    {"}", "malformed at byte"},
    {"{}", "header has no descr"},
    {"[]", "malformed at byte"},
    {"{,}", "malformed at byte"},
    {"{'descr': '<f4', 'fortran_order': False}", "header has no shape"},
    {"{'descr': '<f4', 'shape': (1,)}", "header has no fortran_order"},
    {"{'fortran_order': False, 'shape': (1,)}", "header has no descr"},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "header has descr twice"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'shape': (1,)}", "header has shape twice"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'extra': 1}", "a key other than"},
    {"{'Descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "a key other than"},
    {"{'descr ': '<f4', 'fortran_order': False, 'shape': (1,)}", "a key other than"},
    {"{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}", "malformed at byte"},
    {"{'descr': '<f4',, 'fortran_order': False, 'shape': (1,)}", "malformed at byte"},
    {"{'descr' '<f4', 'fortran_order': False, 'shape': (1,)}", "malformed at byte"},
    {"{'descr\": '<f4', 'fortran_order': False, 'shape': (1,)}", "malformed at byte"},
    {"{descr: '<f4', 'fortran_order': False, 'shape': (1,)}", "malformed at byte"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", "malformed at byte"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "malformed at byte"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}}", "malformed at byte"},
    {"{'descr': '<f4', 'fortran_order': Falsey, 'shape': (1,)}", "malformed at byte"},
    {"{'descr': '<f4', 'fortran_order': false, 'shape': (1,)}", "fortran_order is neither"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "fortran_order is neither"},
    {"{'descr': '<f4', 'fortran_order': , 'shape': (1,)}", "fortran_order is neither"},
    {"{'descr': '|f1', 'fortran_order': False, 'shape': (1,)}", "descr is '|f1'; it should be"},
    {"{'descr': '<b2', 'fortran_order': False, 'shape': (1,)}", "descr is '<b2'"},
    {"{'descr': '|u2', 'fortran_order': False, 'shape': (1,)}", "descr is '|u2'"},
    {"{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}", "descr is '<U4'"},
    {"{'descr': '|S4', 'fortran_order': False, 'shape': (1,)}", "descr is '|S4'"},
    {"{'descr': '<V2', 'fortran_order': False, 'shape': (1,)}", "descr is '<V2'"},
    {"{'descr': '<2f', 'fortran_order': False, 'shape': (1,)}", "descr is '<2f'"},
    {"{'descr': '<i3', 'fortran_order': False, 'shape': (1,)}", "descr is '<i3'"},
    {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "descr is '<c8'"},
    {"{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", "descr is '<f16'"},
    {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "descr is '|O'"},
    {"{'descr': 'f4', 'fortran_order': False, 'shape': (1,)}", "descr is 'f4'"},
    {"{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}", "descr is '|f4'"},
    {"{'descr': '!f4', 'fortran_order': False, 'shape': (1,)}", "descr is '!f4'"},
    {"{'descr': '<4u', 'fortran_order': False, 'shape': (1,)}", "descr is '<4u'"},
    {"{'descr': '', 'fortran_order': False, 'shape': (1,)}", "descr is ''"},
    {"{'descr': '<f4<f4<f4<f4<f4<f4', 'fortran_order': False, 'shape': (1,)}", "descr is '<f4<f4<f4<f4<f4'"},
    {"{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (1,)}", "descr is not a plain string"},
    {"{'descr': '<f4\n', 'fortran_order': False, 'shape': (1,)}", "descr is not a plain string"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "records are not read"},
    {"{'descr': u'<f4', 'fortran_order': False, 'shape': (1,)}", "descr is not a plain string"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': 3}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,,4)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3 4)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': [3, 4]}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 4)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (+3, 4)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (03, 4)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3.0, 4)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (0x3, 4)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1_0, 4)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3LL, 4)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': ((3, 4))}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "shape has more than 8 axes"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999, 1)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616, 1)}", "shape is not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 1)}", "shape"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "shape"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 0)}", "shape"},
    {"{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854775807,)}", "shape"},
};
  size_t i;
  for (i = 0; i < sizeof rows / sizeof rows[0]; i++) refuse_dict(rows[i][0], rows[i][1]);
}

TEST(preambles_that_are_not) {
  static const char fine[] = "{'descr': '=f4', 'fortran_order': False, 'shape': (1,)}\n";
  const float one = 1;
  size_t size, cut;
  int version;
  hfy_npy info;
  hfy_real x = 7;
  hfy_work work = {0};
  CHECK_FAILS(hfy_file_npy_parse(NULL, 0, &info, &work), HFY_ERR_ARG, &work, "bytes is NULL");
  CHECK_FAILS(hfy_file_npy_parse("", 0, NULL, &work), HFY_ERR_ARG, &work, "info is NULL");
  CHECK_FAILS(hfy_file_npy_parse("", 0, &info, &work), HFY_ERR_FORMAT, &work, "not a .npy file");
  CHECK_FAILS(hfy_file_npy_parse("PK\003\004 an archive", 15, &info, &work), HFY_ERR_FORMAT, &work,
              "not a .npy file");
  for (version = 1; version <= 3; version++) {
    unsigned char *bytes = build(version, fine, &one, sizeof one, &size), *copy;
    CHECK(hfy_file_npy_decode(bytes, size, &x, 1, NULL, NULL) == HFY_OK);
    CHECK_EQ(x, 1);
    x = 7;
    for (cut = 0; cut < size; cut++) { /* every truncation */
      copy = exact(bytes, cut);
      CHECK(hfy_file_npy_decode(copy, cut, &x, 1, &info, &work) == HFY_ERR_FORMAT);
      if (cut < 6) CHECK_CONTAINS(work.message, "not a .npy file");
      if (cut >= 6 && cut < size - 4) CHECK_CONTAINS(work.message, "inside its header");
      if (cut >= size - 4) CHECK_CONTAINS(work.message, "bytes of elements; the shape needs 4");
      CHECK_EQ(x, 7);
      write_file(copy, cut);
      seek_fails = cut & 1;
      CHECK(hfy_file_npy_read(PATH, &x, 1, &info, &work) == HFY_ERR_FORMAT);
      seek_fails = 0;
      if (cut < 6) CHECK_CONTAINS(work.message, "not a .npy file");
      if (cut >= 6 && cut < size - 4) CHECK_CONTAINS(work.message, "inside its header");
      if (cut >= size - 4) CHECK_CONTAINS(work.message, "bytes of the elements are missing, of 4: " PATH);
      CHECK_EQ(x, 7);
      free(copy);
    }
    bytes[7] = 1;
    CHECK_FAILS(hfy_file_npy_parse(bytes, size, &info, &work), HFY_ERR_FORMAT, &work,
                ".1; it should be 1.0, 2.0 or 3.0");
    bytes[7] = 0;
    bytes[6] = 4;
    CHECK_FAILS(hfy_file_npy_parse(bytes, size, &info, &work), HFY_ERR_FORMAT, &work, "format version is 4.0");
    bytes[6] = 0;
    CHECK_FAILS(hfy_file_npy_parse(bytes, size, &info, &work), HFY_ERR_FORMAT, &work, "format version is 0.0");
    bytes[6] = (unsigned char)version;
    if (version > 1) {
      bytes[11] = 255;
      CHECK_FAILS(hfy_file_npy_parse(bytes, size, &info, &work), HFY_ERR_FORMAT, &work,
                  "longer than 65535 bytes");
    }
    free(bytes);
  }
  remove(PATH);
  hfy_work_free(&work);
}

TEST(longest_header) {
  static char dict[65536];
  size_t size;
  unsigned char *bytes;
  hfy_npy info;
  hfy_real x = 0;
  const double pi = 3.14159;
  memset(dict, ' ', 65535);
  memcpy(dict, "{'descr': '=f8', 'fortran_order': False,", 40);
  memcpy(dict + 65535 - 15, "'shape': (1,)}\n", 15);
  bytes = build(1, dict, &pi, sizeof pi, &size);
  CHECK(hfy_file_npy_decode(bytes, size, &x, 1, &info, NULL) == HFY_OK);
  CHECK(x == (hfy_real)pi && info.data_offset == 65545);
  write_file(bytes, size);
  x = 0;
  CHECK(hfy_file_npy_read(PATH, &x, 1, &info, NULL) == HFY_OK);
  CHECK(x == (hfy_real)pi && info.data_offset == 65545);
  remove(PATH);
  free(bytes);
}

/* --- elements --- */

static int machine_is_little(void) {
  const uint16_t probe = 1;
  unsigned char first;
  memcpy(&first, &probe, 1);
  return first == 1;
}

/* The lower bits of `any` as an element in this machine's order, and what it is worth. */
static double of_bits(const char *type, uint64_t any, unsigned char *raw) {
  const uint16_t u2 = (uint16_t)(any & 65535);
  const uint32_t u4 = (uint32_t)(any >> 32);
  const int32_t i2 = (int32_t)u2 - 32768;
  const int exponent = u2 >> 10 & 31, mantissa = u2 & 1023;
  const uint64_t u8 = any >> 11;
  const int16_t v = (int16_t)i2;
  if (!strcmp(type, "u2")) return memcpy(raw, &u2, 2), (double)u2;
  if (!strcmp(type, "i2")) return memcpy(raw, &v, 2), (double)v;
  if (!strcmp(type, "u4")) return memcpy(raw, &u4, 4), (double)u4;
  if (!strcmp(type, "u8")) return memcpy(raw, &u8, 8), (double)u8;
  if (!strcmp(type, "b1")) return raw[0] = (unsigned char)(any & 2), any & 2 ? 1 : 0; /* 2 is true, too */
  memcpy(raw, &u2, 2);
  if (exponent == 31) return (u2 >> 15 ? -1 : 1) * (mantissa ? HUGE_VAL - HUGE_VAL : HUGE_VAL);
  return (u2 >> 15 ? -1 : 1) * ldexp(mantissa + (exponent ? 1024 : 0), (exponent ? exponent : 1) - 25);
}

/* Every type, both byte orders, C and Fortran order, ranks 0 to 5, against an encoder that thinks in indices. */
TEST(every_type_and_order) {
  static const char *const types[] = {"f4", "f8", "u1", "i1", "i4", "i8", "f2", "u2", "i2", "u4", "u8", "b1"};
  hfy_rng rng = hfy_rng_seed(21);
  int round, type, big, fortran;
  for (round = 0; round < 24; round++)
    for (type = 0; type < 12; type++)
      for (big = 0; big < 2; big++)
        for (fortran = 0; fortran < 2; fortran++) {
          const size_t rank = (size_t)round % 6, item = (size_t)(types[type][1] - '0');
          size_t shape[5], count = 1, i, axis, size;
          unsigned char data[8 * 1024], *bytes;
          double want[1024];
          hfy_real got[1024], disk[1024];
          double doubles[1024];
          char dict[200];
          int at;
          hfy_npy info;
          at = sprintf(dict, "{'descr': '%c%s', 'fortran_order': %s, 'shape': (", big ? '>' : '<',
                       types[type], fortran ? "True" : "False");
          for (axis = 0; axis < rank; axis++) {
            shape[axis] = 1 + (size_t)(hfy_rng_u64(&rng) % 4);
            count *= shape[axis];
            at += sprintf(dict + at, "%u,", (unsigned)shape[axis]);
          }
          sprintf(dict + at, ")}");
          for (i = 0; i < count; i++) { /* i: row-major index; place: where it stands in the file */
            size_t place = 0, rest = i, index[5] = {0}, b;
            unsigned char raw[8];
            for (axis = rank; axis-- > 0; rest /= shape[axis]) index[axis] = rest % shape[axis];
            for (axis = 0; axis < rank; axis++)
              place = fortran ? place * shape[rank - 1 - axis] + index[rank - 1 - axis]
                              : place * shape[axis] + index[axis];
            if (type == 0) {
              float v = (float)hfy_rng_normal(&rng);
              memcpy(raw, &v, 4);
              want[i] = (double)v;
            } else if (type == 1) {
              double v = hfy_rng_normal(&rng);
              memcpy(raw, &v, 8);
              want[i] = v;
            } else if (type == 2) {
              raw[0] = (unsigned char)(hfy_rng_u64(&rng) & 255);
              want[i] = raw[0];
            } else if (type == 3) {
              signed char v = (signed char)((int)(hfy_rng_u64(&rng) & 255) - 128);
              memcpy(raw, &v, 1);
              want[i] = v;
            } else if (type == 4) {
              int32_t v = (int32_t)((int64_t)(hfy_rng_u64(&rng) >> 32) - INT64_C(2147483648));
              memcpy(raw, &v, 4);
              want[i] = v;
            } else if (type == 5) {
              int64_t v = (int64_t)(hfy_rng_u64(&rng) >> 11) - INT64_C(4503599627370496);
              memcpy(raw, &v, 8);
              want[i] = (double)v;
            } else {
              const uint64_t any = hfy_rng_u64(&rng);
              want[i] = of_bits(types[type], any, raw);
            }
            for (b = 0; b < item; b++)
              data[place * item + b] = raw[big == !machine_is_little() ? b : item - 1 - b];
          }
          bytes = build(1 + round % 3, dict, data, count * item, &size);
          if (CHECK(hfy_file_npy_decode(bytes, size, got, count, &info, NULL) == HFY_OK)) {
            CHECK(info.rank == rank && info.count == count && info.fortran == fortran);
            for (axis = 0; axis < rank; axis++) CHECK(info.shape[axis] == shape[axis]);
            for (i = 0; i < count; i++)
              if (!hfy_base_is_nan_(want[i]) || !hfy_base_is_nan_((double)got[i]))
                CHECK_EQ(got[i], (double)(hfy_real)want[i]);
          }
          if (CHECK(hfy_file_npy_decode_double(bytes, size, doubles, count, NULL, NULL) == HFY_OK))
            for (i = 0; i < count; i++)
              if (!hfy_base_is_nan_(want[i]) || !hfy_base_is_nan_(doubles[i])) CHECK_EQ(doubles[i], want[i]);
          if (round < 6) {
            write_file(bytes, size);
            CHECK(hfy_file_npy_read(PATH, disk, count, NULL, NULL) == HFY_OK);
            CHECK(!memcmp(disk, got, count * sizeof *disk));
          }
          free(bytes);
        }
  remove(PATH);
}

TEST(bits_and_ranges) {
  static const char f4[] = "{'descr': '=f4', 'fortran_order': False, 'shape': (3,)}";
  static const char f8[] = "{'descr': '=f8', 'fortran_order': False, 'shape': (8,)}";
  static const char i8[] = "{'descr': '=i8', 'fortran_order': False, 'shape': (4,)}";
  const uint32_t raw[3] = {UINT32_C(0x80000000), UINT32_C(0x7FC12345), UINT32_C(0xFF800000)}; /* -0, NaN, -infinity */
  const double edge = ldexp(1.0, 128) - ldexp(1.0, 103); /* half way from FLT_MAX to the next power of two */
  const double wide[8] = {1e300, -1e300, (double)FLT_MAX, edge, edge * (1 - 1e-16), -edge, 1e-300, -HUGE_VAL};
  /* the last: just above the middle of two floats, in the middle of two once it is a double */
  const int64_t whole[4] = {INT64_MAX, INT64_MIN, INT64_C(16777217), -((INT64_C(1) << 60) + (INT64_C(1) << 36) + 1)};
  hfy_real x[8];
  size_t size;
  unsigned char *bytes = build(1, f4, raw, sizeof raw, &size);
  CHECK(hfy_file_npy_decode(bytes, size, x, 3, NULL, NULL) == HFY_OK);
#ifndef HFY_DOUBLE
  CHECK(!memcmp(x, raw, sizeof raw)); /* to the bit */
#endif
  CHECK(x[0] == 0 && hfy_base_bits_((double)x[0]) >> 63);
  CHECK(hfy_base_is_nan_((double)x[1]) && hfy_base_is_neg_inf_((double)x[2]));
  free(bytes);
  bytes = build(1, f8, wide, sizeof wide, &size);
  CHECK(hfy_file_npy_decode(bytes, size, x, 8, NULL, NULL) == HFY_OK);
#ifdef HFY_DOUBLE
  CHECK(!memcmp(x, wide, sizeof wide));
#else
  CHECK(hfy_base_is_pos_inf_((double)x[0]) && hfy_base_is_neg_inf_((double)x[1]) && x[2] == FLT_MAX);
  CHECK(hfy_base_is_pos_inf_((double)x[3]) && x[4] == FLT_MAX && hfy_base_is_neg_inf_((double)x[5]) && x[6] == 0);
  CHECK(hfy_base_is_neg_inf_((double)x[7]));
#endif
  free(bytes);
  bytes = build(1, i8, whole, sizeof whole, &size);
  CHECK(hfy_file_npy_decode(bytes, size, x, 4, NULL, NULL) == HFY_OK);
  CHECK_EQ(x[0], 9223372036854775808.0);
  CHECK_EQ(x[1], -9223372036854775808.0);
  CHECK_EQ(x[2], sizeof(hfy_real) == 8 ? 16777217 : 16777216); /* rounded to even */
  CHECK_EQ(x[3], -ldexp(1, 60) - ldexp(1, sizeof(hfy_real) == 8 ? 36 : 37));
  free(bytes);
}

/* Every float16 there is: as `of_bits` says, the sign of zero included. */
TEST(every_half) {
  static const char dict[] = "{'descr': '=f2', 'fortran_order': False, 'shape': (65536,)}";
  uint16_t *raw = (uint16_t *)malloc(65536 * sizeof *raw);
  double *wide = (double *)malloc(65536 * sizeof *wide);
  hfy_real *got = (hfy_real *)malloc(65536 * sizeof *got);
  unsigned char *bytes, two[2];
  size_t size, i, wrong = 0;
  if (!raw || !got || !wide) abort();
  for (i = 0; i < 65536; i++) raw[i] = (uint16_t)i;
  bytes = build(1, dict, raw, 65536 * sizeof *raw, &size);
  CHECK(hfy_file_npy_decode(bytes, size, got, 65536, NULL, NULL) == HFY_OK);
  CHECK(hfy_file_npy_decode_double(bytes, size, wide, 65536, NULL, NULL) == HFY_OK);
  for (i = 0; i < 65536; i++) {
    const double want = of_bits("f2", i, two);
    const int nan = hfy_base_is_nan_(want);
    wrong += nan ? !hfy_base_is_nan_(wide[i]) : hfy_base_bits_(wide[i]) != hfy_base_bits_(want);
    wrong += nan ? !hfy_base_is_nan_((double)got[i]) : hfy_base_bits_((double)got[i]) != hfy_base_bits_(want);
  }
  CHECK(wrong == 0);
  free(raw), free(wide), free(got), free(bytes);
}

/* --- writing --- */

TEST(headers_written) {
  unsigned char bytes[256];
  size_t shape[8] = {0}, rank, i, size = 0;
  hfy_npy info;
  hfy_work work = {0};
  if (machine_is_little()) { /* numpy's own, to the byte */
    size_t numpys[2] = {2, 3};
    const char *want = numpy_f4;
    if (sizeof(hfy_real) == 8) {
      numpys[0] = 0;
      numpys[1] = 7;
      want = numpy_empty;
    }
    CHECK(hfy_file_npy_header(numpys, 2, bytes, 256, &size, NULL) == HFY_OK);
    CHECK(size == 128 && !memcmp(bytes, want, 128));
  }
  for (rank = 0; rank <= 8; rank++)
    for (i = 0; i < 3; i++) {
      size_t axis, count = 1;
      for (axis = 0; axis < rank; axis++) shape[axis] = i == 0 ? axis + 1 : i == 1 ? 1 : axis == 3 ? 0 : 7;
      if (i == 1 && rank) shape[rank - 1] = (size_t)PTRDIFF_MAX / sizeof(hfy_real); /* the most there is */
      for (axis = 0; axis < rank; axis++) count *= shape[axis];
      memset(bytes, 7, sizeof bytes);
      CHECK(hfy_file_npy_header(rank ? shape : NULL, rank, bytes, 256, &size, &work) == HFY_OK);
      CHECK(size % 64 == 0 && size <= 256 && bytes[size - 1] == '\n' && (size == 256 || bytes[size] == 7));
      CHECK(hfy_file_npy_parse(bytes, size, &info, &work) == HFY_OK);
      CHECK(info.rank == rank && info.count == count);
      CHECK(info.type == 'f' && info.item_size == sizeof(hfy_real));
      CHECK(!info.swapped && !info.fortran && info.data_offset == size);
      for (axis = 0; axis < rank; axis++) CHECK(info.shape[axis] == shape[axis]);
    }
  size = 7;
  bytes[0] = 7;
  CHECK_FAILS(hfy_file_npy_header(shape, 9, bytes, 256, &size, &work), HFY_ERR_ARG, &work, "rank is 9");
  CHECK_FAILS(hfy_file_npy_header(NULL, 1, bytes, 256, &size, &work), HFY_ERR_ARG, &work, "shape is NULL");
  CHECK_FAILS(hfy_file_npy_header(shape, 1, NULL, 256, &size, &work), HFY_ERR_ARG, &work, "bytes is NULL");
  CHECK_FAILS(hfy_file_npy_header(shape, 1, bytes, 256, NULL, &work), HFY_ERR_ARG, &work, "size is NULL");
  CHECK_FAILS(hfy_file_npy_header(shape, 1, bytes, 255, &size, &work), HFY_ERR_ARG, &work, "capacity is 255");
  shape[0] = shape[1] = SIZE_MAX / 4;
  CHECK_FAILS(hfy_file_npy_header(shape, 2, bytes, 256, &size, &work), HFY_ERR_ARG, &work, "cannot exist");
  CHECK(size == 7 && bytes[0] == 7);
}

TEST(round_trips) {
  hfy_rng rng = hfy_rng_seed(31);
  hfy_real data[2 * 3 * 4 * 5], back[120], memory[120];
  const size_t shape[4] = {2, 3, 4, 5};
  size_t rank, i, axis;
  unsigned char file[256 + sizeof data];
  hfy_npy info;
  for (i = 0; i < 120; i++) data[i] = (hfy_real)hfy_rng_normal(&rng);
  data[0] = (hfy_real)-0.0;
  data[1] = (hfy_real)1e-41;
  for (rank = 0; rank <= 4; rank++) {
    size_t count = 1, size = 0;
    for (axis = 0; axis < rank; axis++) count *= shape[axis];
    CHECK(hfy_file_npy_write(PATH, data, shape, rank, NULL) == HFY_OK);
    memset(back, 0, sizeof back);
    CHECK(hfy_file_npy_read(PATH, back, 120, &info, NULL) == HFY_OK);
    CHECK(info.rank == rank && info.count == count && !memcmp(back, data, count * sizeof *data));
    for (i = count; i < 120; i++) CHECK_EQ(back[i], 0);
    CHECK(hfy_file_npy_header(shape, rank, file, sizeof file, &size, NULL) == HFY_OK);
    memcpy(file + size, data, count * sizeof *data);
    CHECK(hfy_file_npy_decode(file, size + count * sizeof *data, memory, count, NULL, NULL) == HFY_OK);
    CHECK(!memcmp(memory, data, count * sizeof *data));
  }
  { /* in double, whatever the build: no digit is lost */
    const double wide[6] = {0.1, -1e300, 5e-324, 1.0 / 3, HUGE_VAL, -0.0};
    double again[6];
    unsigned char head[256], own[256 + sizeof wide];
    size_t size = 0;
    hfy_work work = {0};
    CHECK(hfy_file_npy_write_double(PATH, wide, shape, 2, NULL) == HFY_OK);
    CHECK(hfy_file_npy_read_double(PATH, again, 6, &info, NULL) == HFY_OK && info.item_size == 8 && info.shape[1] == 3);
    CHECK(!memcmp(wide, again, sizeof wide));
    CHECK(hfy_file_npy_header_double(shape, 2, head, 256, &size, NULL) == HFY_OK && size == info.data_offset);
    memcpy(own, head, size), memcpy(own + size, wide, sizeof wide);
    CHECK(is_intact(PATH, (const char *)own, size + sizeof wide));
    CHECK(hfy_file_npy_read(PATH, back, 6, NULL, NULL) == HFY_OK && back[3] == (hfy_real)wide[3]);
    CHECK_FAILS(hfy_file_npy_read_double(PATH, again, 5, NULL, &work), HFY_ERR_ARG, &work, "capacity is 5");
    CHECK_FAILS(hfy_file_npy_write_double(PATH, NULL, shape, 2, &work), HFY_ERR_ARG, &work, "data is NULL");
    CHECK_FAILS(hfy_file_npy_header_double(shape, 2, head, 9, &size, &work), HFY_ERR_ARG, &work, "capacity is 9");
    axis = (size_t)PTRDIFF_MAX / 8 + 1;
    CHECK_FAILS(hfy_file_npy_header_double(&axis, 1, head, 256, &size, &work), HFY_ERR_ARG, &work, "cannot exist");
    hfy_work_free(&work);
  }
  axis = 0; /* an empty array needs no data and no room */
  CHECK(hfy_file_npy_write(PATH, NULL, &axis, 1, NULL) == HFY_OK);
  CHECK(hfy_file_npy_read(PATH, NULL, 0, &info, NULL) == HFY_OK);
  CHECK(info.rank == 1 && info.count == 0);
  remove(PATH);
}

TEST(long_files) /* beyond one chunk, in every way of reading */
{
  static const char *const types[] = {"f4", "f8", "i4", "u1"};
  const size_t rows = 300, columns = 401;
  size_t count = rows * columns, i, r, c, size, item;
  hfy_real *got = (hfy_real *)malloc(count * sizeof *got);
  unsigned char *data = (unsigned char *)malloc(count * 8);
  int type, big, fortran;
  if (!got || !data) abort();
  for (type = 0; type < 4; type++)
    for (big = 0; big < 2; big++)
      for (fortran = 0; fortran < 2; fortran++) {
        char dict[128];
        unsigned char *bytes;
        size_t wrong = 0;
        item = (size_t)(types[type][1] - '0');
        for (i = 0; i < count; i++) {
          unsigned char raw[8];
          size_t b;
          float f4 = (float)i;
          double f8 = (double)i;
          int32_t i4 = (int32_t)i;
          raw[0] = (unsigned char)(i % 251);
          if (type == 0) memcpy(raw, &f4, 4);
          if (type == 1) memcpy(raw, &f8, 8);
          if (type == 2) memcpy(raw, &i4, 4);
          for (b = 0; b < item; b++)
            data[i * item + b] = raw[big == !machine_is_little() ? b : item - 1 - b];
        }
        sprintf(dict, "{'descr': '%c%s', 'fortran_order': %s, 'shape': (300, 401), }", big ? '>' : '<',
                types[type], fortran ? "True" : "False");
        bytes = build(1, dict, data, count * item, &size);
        write_file(bytes, size);
        free(bytes);
        tell_fails = type & 1;
        seek_fails = type == 2; /* a pipe */
        memset(got, 0, count * sizeof *got);
        CHECK(hfy_file_npy_read(PATH, got, count, NULL, NULL) == HFY_OK);
        tell_fails = seek_fails = 0;
        for (r = 0; r < rows; r++)
          for (c = 0; c < columns; c++) {
            size_t place = fortran ? c * rows + r : r * columns + c;
            wrong += got[r * columns + c] != (hfy_real)(type == 3 ? place % 251 : place);
          }
        CHECK(wrong == 0);
      }
  free(got);
  free(data);
  remove(PATH);
}

/* --- refusing --- */

TEST(too_little_room) {
  hfy_real x[6] = {7, 7, 7, 7, 7, 7};
  hfy_npy info, before;
  hfy_work work = {0};
  memset(&info, 7, sizeof info);
  before = info;
  CHECK_FAILS(hfy_file_npy_decode(numpy_f4, sizeof numpy_f4 - 1, x, 5, &info, &work), HFY_ERR_ARG, &work,
              "capacity is 5; the array has 6 elements");
  CHECK_FAILS(hfy_file_npy_decode(numpy_f4, sizeof numpy_f4 - 1, NULL, 6, &info, &work), HFY_ERR_ARG, &work,
              "out is NULL");
  CHECK_FAILS(hfy_file_npy_decode(NULL, 0, x, 6, &info, &work), HFY_ERR_ARG, &work, "bytes is NULL");
  write_file(numpy_f4, sizeof numpy_f4 - 1);
  CHECK_FAILS(hfy_file_npy_read(PATH, x, 5, &info, &work), HFY_ERR_ARG, &work,
              "capacity is 5; the array has 6 elements");
  CHECK_FAILS(hfy_file_npy_read(PATH, NULL, 6, &info, &work), HFY_ERR_ARG, &work, "out is NULL");
  CHECK_FAILS(hfy_file_npy_read(NULL, x, 6, &info, &work), HFY_ERR_ARG, &work, "path is NULL");
  CHECK_FAILS(hfy_file_npy_info(NULL, &info, &work), HFY_ERR_ARG, &work, "path is NULL");
  CHECK_FAILS(hfy_file_npy_info(PATH, NULL, &work), HFY_ERR_ARG, &work, "info is NULL");
  CHECK(x[0] == 7 && x[5] == 7 && same_info(&info, &before));
  { /* scratch of the caller: too small, then as asked for */
    static unsigned char buffer[80000];
    hfy_work own = {0};
    own.buffer = buffer;
    own.capacity = 10;
    CHECK_FAILS(hfy_file_npy_read(PATH, x, 6, &info, &own), HFY_ERR_NOMEM, &own, "work->capacity is 10");
    CHECK(x[0] == 7 && own.peak > 10 && own.peak <= sizeof buffer);
    own.capacity = own.peak;
    CHECK(hfy_file_npy_read(PATH, x, 6, &info, &own) == HFY_OK);
    CHECK(x[0] == 1 && info.count == 6);
  }
  remove(PATH);
  hfy_work_free(&work);
}

TEST(input_and_output_fail) {
  hfy_real x[64];
  hfy_npy info;
  size_t shape[1] = {6}, i;
  long step;
  hfy_work work = {0};
  for (i = 0; i < 64; i++) x[i] = 7;
  CHECK_FAILS(hfy_file_npy_read("no/such/file.npy", x, 6, &info, &work), HFY_ERR_IO, &work,
              "could not open no/such/file.npy");
  CHECK_FAILS(hfy_file_npy_info("no/such/file.npy", &info, &work), HFY_ERR_IO, &work, "could not open");
  CHECK_FAILS(hfy_file_npy_write("no/such/file.npy", x, shape, 1, &work), HFY_ERR_IO, &work, "could not open");
  CHECK_FAILS(hfy_file_npy_write(NULL, x, shape, 1, &work), HFY_ERR_ARG, &work, "path is NULL");
  CHECK_FAILS(hfy_file_npy_write(PATH, NULL, shape, 1, &work), HFY_ERR_ARG, &work, "data is NULL");
  CHECK_FAILS(hfy_file_npy_write(PATH, x, NULL, 1, &work), HFY_ERR_ARG, &work, "shape is NULL");
  CHECK_FAILS(hfy_file_npy_write(PATH, x, shape, 9, &work), HFY_ERR_ARG, &work, "rank is 9");
  write_file(numpy_i4_scalar_v3, sizeof numpy_i4_scalar_v3 - 1);
  for (step = 0; step < 3; step++) { /* preamble, its second part, the rest of the header */
    reads_left = step;
    CHECK_FAILS(hfy_file_npy_info(PATH, &info, &work), HFY_ERR_IO, &work, "reading failed: " PATH);
    reads_left = step;
    CHECK_FAILS(hfy_file_npy_read(PATH, x, 6, &info, &work), HFY_ERR_IO, &work, "reading failed: " PATH);
  }
  CHECK_EQ(x[0], 7);
  reads_left = 3; /* the elements */
  CHECK_FAILS(hfy_file_npy_read(PATH, x, 6, &info, &work), HFY_ERR_IO, &work, "reading failed midway: " PATH);
  tell_fails = 1;
  reads_left = 3; /* while counting */
  CHECK_FAILS(hfy_file_npy_read(PATH, x, 6, &info, &work), HFY_ERR_IO, &work, "could not find the length of " PATH);
  reads_left = -1;
  CHECK_EQ(x[0], 7);
  CHECK(hfy_file_npy_read(PATH, x, 6, &info, &work) == HFY_OK);
  CHECK_EQ(x[0], (hfy_real)-123456789);
  write_file(numpy_i4_scalar_v3, sizeof numpy_i4_scalar_v3 - 2); /* found out by counting, too */
  x[0] = 7;
  CHECK_FAILS(hfy_file_npy_read(PATH, x, 6, &info, &work), HFY_ERR_FORMAT, &work,
              "1 bytes of the elements are missing, of 4");
  CHECK_EQ(x[0], 7);
  tell_fails = 0;
  seek_fails = 1; /* a pipe, cut off and failing: found out before anything is written */
  CHECK_FAILS(hfy_file_npy_read(PATH, x, 6, &info, &work), HFY_ERR_FORMAT, &work, "1 bytes of the elements are missing");
  for (step = 0; step < 4; step++) {
    reads_left = step;
    CHECK_FAILS(hfy_file_npy_read(PATH, x, 6, &info, &work), HFY_ERR_IO, &work, "reading failed");
  }
  reads_left = -1, seek_fails = 0;
  CHECK_EQ(x[0], 7);
  write_file(numpy_f4, sizeof numpy_f4 - 1); /* bytes after the array are someone else's */
  {
    FILE *file = fopen(PATH, "ab");
    if (!file || fputs("more", file) < 0 || fclose(file)) abort();
  }
  CHECK(hfy_file_npy_read(PATH, x, 6, &info, &work) == HFY_OK);
  CHECK_EQ(x[1], -2.5);
  remove(PATH);
  hfy_work_free(&work);
}

/* Whatever fails of a write: the old file is whole and nothing lies beside it. */
TEST(writes_that_fail) {
  static const char old[] = "what was there before";
  const size_t shape[1] = {6}, empty = 0;
  hfy_real x[6] = {1, 2, 3, 4, 5, 6}, y[6];
  hfy_work work = {0};
  FILE *file;
  int step;
  write_file(old, sizeof old);
  for (step = 0; step < 5; step++) {
    writes_left = step < 2 ? step : -1;
    close_fails = step == 2, rename_fails = step == 3, seek_fails = step == 4;
    CHECK(hfy_file_npy_write(PATH, x, shape, 1, &work) == (step < 4 ? HFY_ERR_IO : HFY_OK));
    if (step < 4) CHECK_CONTAINS(work.message, "writing failed: " PATH);
    if (step < 4) CHECK(is_intact(PATH, old, sizeof old));
    close_fails = rename_fails = seek_fails = 0;
  }
  CHECK(hfy_file_npy_read(PATH, y, 6, NULL, &work) == HFY_OK && !memcmp(x, y, sizeof x)); /* in place, as into a pipe */
  CHECK(hfy_file_npy_write(PATH, NULL, &empty, 1, &work) == HFY_OK && hfy_file_npy_read(PATH, y, 0, NULL, &work) == HFY_OK);
  CHECK_FAILS(hfy_file_npy_write(".", x, shape, 1, &work), HFY_ERR_IO, &work, ".");
  file = fopen("/dev/full", "r+b");
  if (file) {
    fclose(file);
    CHECK_FAILS(hfy_file_npy_write("/dev/full", x, shape, 1, &work), HFY_ERR_IO, &work, "writing failed: /dev/full");
    file = fopen("/dev/full", "r+b"); /* it is what it was */
    CHECK(file && fgetc(file) == 0);
    if (file) fclose(file);
  }
  remove(PATH);
  writes_left = 0; /* there was none, and there is none */
  CHECK(hfy_file_npy_write(PATH, x, shape, 1, &work) == HFY_ERR_IO && hfy_file_npy_info(PATH, NULL, NULL) == HFY_ERR_ARG);
  writes_left = -1;
  file = fopen(PATH, "rb");
  CHECK(!file);
  hfy_work_free(&work);
}

/* Each bit of a file flipped: an answer or a refusal, alike from memory, from disk and from a pipe. */
static void flip_bits(const char *file, size_t size) {
  unsigned char *bytes = exact(file, size);
  hfy_real x[3][8];
  hfy_status status[3];
  size_t bit, i, way;
  for (bit = 0; bit < 8 * size; bit++) {
    memcpy(bytes, file, size);
    bytes[bit / 8] = (unsigned char)(bytes[bit / 8] ^ (1u << bit % 8));
    for (i = 0; i < 24; i++) x[i / 8][i % 8] = 77;
    status[0] = hfy_file_npy_decode(bytes, size, x[0], 8, NULL, NULL);
    write_file(bytes, size);
    for (way = 1; way < 3; way++) {
      seek_fails = way == 2;
      status[way] = hfy_file_npy_read(PATH, x[way], 8, NULL, NULL);
      CHECK(status[way] == status[0] && !memcmp(x[way], x[0], sizeof x[0]));
    }
    seek_fails = 0;
    CHECK(status[0] == HFY_OK ? x[0][7] >= 77 : x[0][0] >= 77);
  }
  free(bytes);
  remove(PATH);
}

TEST(bits_that_flip) {
  flip_bits(numpy_i8_big, sizeof numpy_i8_big - 1);
  flip_bits(numpy_f2, sizeof numpy_f2 - 1);
}

/* Whatever is done to a header: an answer, and nothing read that is not there. */
TEST(bytes_that_lie) {
  static const char *const dicts[] = {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n",
                                      "{\"shape\": (3, 2), 'descr': '>i8', 'fortran_order': True}\n",
                                      "{'descr': '|u1', 'fortran_order': True, 'shape': (6,)}",
                                      "{'descr': '=i4','fortran_order': False, 'shape': (1, 1, 2, 3L)}"};
  static const unsigned char spice[] = "{}()[]:,'\"\\<>|=fiub0124689LTrueFalse \n\t\0\x93\xff-+._";
  hfy_rng rng = hfy_rng_seed(41);
  const unsigned char data[48] = {1, 2, 3};
  hfy_real out[48];
  hfy_work work = {0};
  size_t d, trial, answered = 0, refused = 0, i;
  for (d = 0; d < 4; d++)
    for (trial = 0; trial < 4000; trial++) {
      size_t size, edits = 1 + (size_t)(hfy_rng_u64(&rng) % 3);
      unsigned char *bytes = build(1 + (int)(trial % 3), dicts[d], data, sizeof data, &size), *copy;
      hfy_npy info;
      hfy_status status;
      while (edits-- > 0) {
        size_t at = (size_t)(hfy_rng_u64(&rng) % size), kind = (size_t)(hfy_rng_u64(&rng) % 5);
        unsigned char any = (unsigned char)(hfy_rng_u64(&rng) & 255);
        if (kind == 0) bytes[at] = any;
        if (kind == 1) bytes[at] = spice[hfy_rng_u64(&rng) % (sizeof spice - 1)];
        if (kind == 2) bytes[at] = (unsigned char)(bytes[at] ^ (1u << (any & 7)));
        if (kind == 3) memmove(bytes + at, bytes + at + 1, size - at - 1); /* one left out */
        if (kind == 4) size = at > 0 && trial % 4 == 0 ? at : size;        /* cut off */
        if (kind == 4) memmove(bytes + at / 2, bytes, at - at / 2);        /* part over part */
      }
      copy = exact(bytes, size);
      for (i = 0; i < 48; i++) out[i] = 77;
      status = hfy_file_npy_decode(copy, size, out, 48, &info, &work);
      CHECK(status == HFY_OK || status == HFY_ERR_FORMAT || status == HFY_ERR_ARG);
      CHECK((status == HFY_OK) == !work.message[0] && strlen(work.message) < sizeof work.message);
      if (status == HFY_OK) {
        size_t count = 1;
        for (i = 0; i < 8; i++) count *= info.shape[i];
        CHECK(info.rank <= 8 && info.count == count && count <= 48);
        CHECK(info.data_offset + count * info.item_size <= size);
        for (i = count; i < 48; i++) CHECK_EQ(out[i], 77);
        answered++;
      } else {
        for (i = 0; i < 48; i++) CHECK_EQ(out[i], 77);
        refused++;
      }
      if (trial % 40 == 0) { /* and a file of the same bytes is judged alike */
        hfy_real disk[48];
        write_file(copy, size);
        CHECK(hfy_file_npy_read(PATH, disk, 48, NULL, NULL) == status);
        if (status == HFY_OK) CHECK(!memcmp(disk, out, info.count * sizeof *out));
      }
      free(copy);
      free(bytes);
    }
  CHECK(answered > 500 && refused > 5000); /* both kinds were tried */
  remove(PATH);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(numpy_files);
  RUN(dicts_that_are_fine);
  RUN(dicts_that_are_not);
  RUN(preambles_that_are_not);
  RUN(longest_header);
  RUN(every_type_and_order);
  RUN(bits_and_ranges);
  RUN(every_half);
  RUN(headers_written);
  RUN(round_trips);
  RUN(long_files);
  RUN(too_little_room);
  RUN(input_and_output_fail);
  RUN(writes_that_fail);
  RUN(bits_that_flip);
  RUN(bytes_that_lie);
  return CHECK_END();
}
