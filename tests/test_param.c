/* test_param.c: start values by their moments, .safetensors files as other programs write them, round trips, every type
   in against a slow decoder, and headers that lie. Buffers are exactly as long as they claim, so that a build with an
   address checker sees every byte read too many. */
#include "failing.h"

#define HFY_STATIC /* what no test reaches is not compiled */
#define HFY_IMPLEMENTATION
#ifndef HFY_ONLY_FILE
#define HFY_ONLY_FILE
#endif
#include "../hfy.h"
#undef fread
#undef fwrite
#undef fclose
#undef fseek
#undef rename
#include "check.h"

#ifndef CHECK_SCRATCH
#define CHECK_SCRATCH "test_param_" CHECK_PRECISION ".tmp"
#endif
#define PATH CHECK_SCRATCH
#ifdef HFY_DOUBLE
#define DTYPE "F64"
#else
#define DTYPE "F32"
#endif

/* --- building blocks --- */

static hfy_param entry(const char *name, size_t offset, size_t rank, size_t a, size_t b, size_t c) {
  hfy_param p;
  memset(&p, 0, sizeof p);
  strncpy(p.name, name, sizeof p.name - 1);
  p.offset = offset;
  p.rank = rank;
  p.shape[0] = a;
  p.shape[1] = b;
  p.shape[2] = c;
  p.count = (rank > 0 ? a : 1) * (rank > 1 ? b : 1) * (rank > 2 ? c : 1);
  return p;
}

/* A file from its header and size bytes of elements, with nothing behind it. */
static unsigned char *build(const char *header, const void *data, size_t data_size, size_t *size) {
  size_t length = strlen(header), i;
  unsigned char *bytes = (unsigned char *)malloc(8 + length + data_size);
  if (!bytes) abort();
  for (i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)length >> 8 * i & 255);
  memcpy(bytes + 8, header, length);
  if (data_size) memcpy(bytes + 8 + length, data, data_size);
  *size = 8 + length + data_size;
  return bytes;
}

static void write_file(const void *bytes, size_t size) {
  FILE *file = fopen(PATH, "wb");
  if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) abort();
}

/* Two floats a (1) and b (3,1), both of F32, as most tests have them. */
#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"
#define B "\"b\":{\"dtype\":\"F32\",\"shape\":[3,1],\"data_offsets\":[4,16]}"
static const float numbers[4] = {1.5f, -2, 0.25f, 1e10f};

static void pair(hfy_param *table) {
  table[0] = entry("a", 5, 1, 1, 0, 0);
  table[1] = entry("b", 0, 2, 3, 1, 0);
}

static int pair_is_there(const hfy_real *x) {
  const double want[6] = {-2, 0.25, 1e10, 77, 77, 1.5};
  size_t i;
  int same = 1;
  for (i = 0; i < 6; i++) same &= (double)x[i] >= want[i] && (double)x[i] <= want[i];
  return same;
}

/* A header over the pair's elements that should be fine, from memory and from a file. */
static void accept(const char *header) {
  hfy_param table[2];
  hfy_real x[6];
  hfy_work work = {0};
  size_t size;
  unsigned char *bytes = build(header, numbers, sizeof numbers, &size);
  pair(table);
  fill(x, 6, 77);
  if (!CHECK(hfy_file_safetensors_decode(bytes, size, table, 2, x, &work) == HFY_OK && pair_is_there(x)))
    printf("    %s: %s\n", header, work.message);
  write_file(bytes, size);
  fill(x, 6, 77);
  CHECK(hfy_file_safetensors_read(PATH, table, 2, x, &work) == HFY_OK && pair_is_there(x));
  hfy_work_free(&work);
  free(bytes);
}

/* And one that should not, in these words. */
static void refuse(const char *header, const char *words) {
  hfy_param table[2];
  hfy_real x[6];
  hfy_work work = {0};
  size_t size;
  unsigned char *bytes = build(header, numbers, sizeof numbers, &size);
  pair(table);
  fill(x, 6, 77);
  if (!CHECK(hfy_file_safetensors_decode(bytes, size, table, 2, x, &work) == HFY_ERR_FORMAT))
    printf("    accepted: %s\n", header);
  CHECK_CONTAINS(work.message, words);
  write_file(bytes, size);
  CHECK_FAILS(hfy_file_safetensors_read(PATH, table, 2, x, &work), HFY_ERR_FORMAT, &work, words);
  CHECK(all_are(x, 6, 77));
  hfy_work_free(&work);
  free(bytes);
}

/* --- start values --- */

static void moments(const hfy_real *x, size_t n, double *mean, double *deviation, double *largest) {
  size_t i;
  *mean = *deviation = *largest = 0;
  for (i = 0; i < n; i++) *mean += (double)x[i] / (double)n;
  for (i = 0; i < n; i++) {
    *deviation += ((double)x[i] - *mean) * ((double)x[i] - *mean) / (double)n;
    if (fabs((double)x[i]) > *largest) *largest = fabs((double)x[i]);
  }
  *deviation = sqrt(*deviation);
}

TEST(start_values) {
  enum { N = 40000, ALL = 4 * N + 9 };
  static hfy_real x[ALL], y[ALL];
  hfy_param table[6];
  hfy_rng rng = hfy_rng_seed(5), again = rng;
  hfy_work work = {0};
  double mean, deviation, largest;
  size_t i;
  table[0] = entry("weights", 3 * N + 4, 2, 400, 100, 0);
  table[1] = entry("linear.weight", 0, 2, N / 16, 16, 0);
  table[1].start = HFY_PARAM_DENSE;
  table[2] = entry("linear.bias", N, 1, N, 0, 0);
  table[2].start = HFY_PARAM_UNIFORM;
  table[2].value = 3;
  table[2].spread = 0.5;
  table[3] = entry("gain", 2 * N, 1, N, 0, 0);
  table[3].start = HFY_PARAM_ONE;
  table[4] = entry("bias", 3 * N, 3, 1, 1, 2);
  table[4].start = HFY_PARAM_ZERO;
  table[5] = entry("beta", 3 * N + 2, 0, 0, 0, 0);
  table[5].start = HFY_PARAM_VALUE;
  table[5].value = -0.75;
  table[5].frozen = 1;
  fill(x, ALL, 77);
  CHECK(hfy_param_init(table, 6, &rng, x, &work) == HFY_OK);
  moments(x + 3 * N + 4, N, &mean, &deviation, &largest);
  CHECK_NEAR(mean, 0, 4 * 0.02 / sqrt((double)N));
  CHECK_NEAR(deviation / 0.02, 1, 4 / sqrt(2.0 * N));
  CHECK(largest > 0.07 && largest < 0.12);
  moments(x, N, &mean, &deviation, &largest);
  CHECK_NEAR(mean, 0, 4 * 0.25 / sqrt(3.0 * N));
  CHECK_NEAR(deviation, 0.25 / sqrt(3.0), 2e-3);
  CHECK(largest > 0.2499 && largest <= 0.25);
  moments(x + N, N, &mean, &deviation, &largest);
  CHECK_NEAR(mean, 3, 4 * 0.5 / sqrt(3.0 * N));
  CHECK_NEAR(deviation, 0.5 / sqrt(3.0), 4e-3);
  CHECK(largest > 3.4999 && largest <= 3.5);
  CHECK(all_are(x + 2 * N, N, 1) && all_are(x + 3 * N, 2, 0) && all_are(x + 3 * N + 2, 1, -0.75));
  CHECK(all_are(x + 3 * N + 3, 1, 77) && all_are(x + 4 * N + 4, 5, 77)); /* what no entry covers */
  /* in the order of the table, by hfy_rng's own functions */
  for (i = 0; i < N; i++) CHECK_EQ(x[3 * N + 4 + i], (hfy_real)(0.02 * hfy_rng_normal(&again)));
  for (i = 0; i < N; i++) CHECK_EQ(x[i], (hfy_real)(0.25 * (2 * hfy_rng_uniform(&again) - 1)));
  for (i = 0; i < N; i++) CHECK_NEAR(x[N + i], 3 + 0.5 * (2 * hfy_rng_uniform(&again) - 1), 2 * REAL_EPS);
  CHECK(rng.state == again.state);
  again = hfy_rng_seed(5); /* the same seed, the same start; without a work too */
  fill(y, ALL, 77);
  CHECK(hfy_param_init(table, 6, &again, y, NULL) == HFY_OK && same_bits(x, y, sizeof x));
  CHECK(hfy_param_init(NULL, 0, &again, NULL, &work) == HFY_OK);
}

TEST(tables_that_are_not) {
  hfy_param table[2];
  hfy_real x[6];
  unsigned char bytes[400];
  hfy_rng rng = hfy_rng_seed(1);
  hfy_work work = {0};
  size_t size = 9;
  int i;
  for (i = 0; i < 9; i++) {
    static const char *const words[] = {
      "table[1].name is longer than 95 bytes", "table[1].rank is 4", "table[1]: offset", "table[1]: offset",
      "table[1].count is 4; it should be 3", "table[1].start is 6", "table[1].value is inf", "table[1].value is nan",
      "table[1].value is 1"};
    const hfy_status status = i < 6 ? HFY_ERR_ARG : HFY_ERR_NONFINITE;
    pair(table);
    if (i == 0) memset(table[1].name, 'x', sizeof table[1].name);
    if (i == 1) table[1].rank = 4;
    if (i == 2) table[1].offset = SIZE_MAX;
    if (i == 3) table[1].shape[1] = SIZE_MAX / 2;
    if (i == 4) table[1].count = 4;
    if (i == 5) table[1].start = (hfy_param_start)6;
    if (i >= 6) table[1].start = i == 8 ? HFY_PARAM_UNIFORM : HFY_PARAM_VALUE;
    table[1].value = i == 7 ? (double)not_a_number() : i == 8 ? 1 : HUGE_VAL;
    table[1].spread = i == 8 ? -HUGE_VAL : 0;
    fill(x, 6, 77);
    CHECK_FAILS(hfy_param_init(table, 2, &rng, x, &work), status, &work, words[i]);
    CHECK(all_are(x, 6, 77) && rng.state == 1);
    if (i > 4) continue;
    CHECK_FAILS(hfy_file_safetensors_decode("\2\0\0\0\0\0\0\0{}", 10, table, 2, x, &work), status, &work, words[i]);
    CHECK_FAILS(hfy_file_safetensors_encode(table, 2, x, bytes, sizeof bytes, &size, &work), status, &work, words[i]);
    CHECK_FAILS(hfy_file_safetensors_read(PATH, table, 2, x, &work), status, &work, words[i]);
    CHECK_FAILS(hfy_file_safetensors_write(PATH, table, 2, x, &work), status, &work, words[i]);
    CHECK(all_are(x, 6, 77) && size == 9);
  }
  pair(table);
  for (i = 0; i < 5; i++) {
    static const char *const names[] = {"", "__metadata__", "a\"", "a\\", "\303\251"};
    strcpy(table[1].name, names[i]);
    CHECK_FAILS(hfy_file_safetensors_encode(table, 2, x, NULL, 0, &size, &work), HFY_ERR_ARG, &work,
                "table[1].name cannot");
  }
  strcpy(table[1].name, "a");
  CHECK_FAILS(hfy_file_safetensors_encode(table, 2, x, NULL, 0, &size, &work), HFY_ERR_ARG, &work, "that of table[0]");
  pair(table);
  CHECK_FAILS(hfy_param_init(NULL, 2, &rng, x, &work), HFY_ERR_ARG, &work, "table is NULL");
  CHECK_FAILS(hfy_param_init(table, 2, NULL, x, &work), HFY_ERR_ARG, &work, "rng is NULL");
  CHECK_FAILS(hfy_param_init(table, 2, &rng, NULL, &work), HFY_ERR_ARG, &work, "params is NULL");
  CHECK_FAILS(hfy_file_safetensors_decode(NULL, 0, table, 2, x, &work), HFY_ERR_ARG, &work, "bytes is NULL");
  CHECK_FAILS(hfy_file_safetensors_encode(table, 2, x, NULL, 0, NULL, &work), HFY_ERR_ARG, &work, "size is NULL");
  CHECK_FAILS(hfy_file_safetensors_read(NULL, table, 2, x, &work), HFY_ERR_ARG, &work, "path is NULL");
  CHECK_FAILS(hfy_file_safetensors_write(NULL, table, 2, x, &work), HFY_ERR_ARG, &work, "path is NULL");
  CHECK(hfy_file_safetensors_encode(table, 2, x, NULL, 0, &size, &work) == HFY_OK);
  CHECK_FAILS(hfy_file_safetensors_encode(table, 2, x, bytes, size - 1, &size, &work), HFY_ERR_ARG, &work,
              "capacity is");
  hfy_work_free(&work);
  { /* scratch of the user's that is too small */
    char room[64];
    hfy_work mine = {0};
    mine.buffer = room;
    mine.capacity = sizeof room;
    CHECK_FAILS(hfy_file_safetensors_encode(table, 2, x, NULL, 0, &size, &mine), HFY_ERR_NOMEM, &mine,
                "capacity is 64");
    CHECK(hfy_file_safetensors_decode("\2\0\0\0\0\0\0\0{}", 10, table, 2, x, &mine) == HFY_ERR_NOMEM);
  }
}

/* --- out --- */

TEST(headers_written) {
  static const char want[] =
    "{\"pooling_weights\":{\"dtype\":\"" DTYPE "\",\"shape\":[1,2,3],\"data_offsets\":[0,";
  hfy_param table[4];
  hfy_real x[8], y[8];
  hfy_work work = {0};
  unsigned char *bytes;
  size_t size = 0, i, length = 0;
  char header[400];
  table[0] = entry("pooling_weights", 2, 3, 1, 2, 3);
  table[1] = entry("in_proj bias", 1, 1, 1, 0, 0);
  table[2] = entry("beta", 0, 0, 0, 0, 0);
  table[3] = entry("none", 8, 2, 0, 5, 0);
  for (i = 0; i < 8; i++) x[i] = (hfy_real)i;
  CHECK(hfy_file_safetensors_encode(table, 4, x, NULL, 0, &size, &work) == HFY_OK);
  bytes = (unsigned char *)malloc(size);
  if (!bytes) abort();
  CHECK(hfy_file_safetensors_encode(table, 4, x, bytes, size, &size, &work) == HFY_OK);
  for (i = 0; i < 8; i++) length |= (size_t)bytes[i] << 8 * i;
  CHECK(length % 8 == 0 && length < sizeof header && size == 8 + length + 8 * sizeof *x);
  memcpy(header, bytes + 8, length);
  header[length] = 0;
  CHECK_CONTAINS(header, want);
  CHECK(!strncmp(header, "{\"pool", 6) && strstr(header, "pooling") < strstr(header, "in_proj bias") &&
        strstr(header, "in_proj bias") < strstr(header, "beta") && strstr(header, "beta") < strstr(header, "none"));
  CHECK_CONTAINS(header, sizeof *x == 4 ? "\"beta\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[28,32]}"
                                        : "\"beta\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[56,64]}");
  CHECK_CONTAINS(header, sizeof *x == 4 ? "\"none\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[32,32]}}"
                                        : "\"none\":{\"dtype\":\"F64\",\"shape\":[0,5],\"data_offsets\":[64,64]}}");
  fill(y, 8, 77);
  CHECK(hfy_file_safetensors_decode(bytes, size, table, 4, y, &work) == HFY_OK && same_bits(x, y, sizeof x));
  free(bytes);
  CHECK(hfy_file_safetensors_encode(NULL, 0, NULL, header, sizeof header, &size, &work) == HFY_OK && size == 16);
  CHECK(!memcmp(header, "\10\0\0\0\0\0\0\0{}      ", 16));
  CHECK(hfy_file_safetensors_decode(header, size, NULL, 0, NULL, &work) == HFY_OK);
  /* an array without elements may be said to start anywhere */
  bytes = build("{\"none\":{\"dtype\":\"F16\",\"shape\":[0,5],\"data_offsets\":[4000000000,4000000000]}}",
                NULL, 0, &size);
  CHECK(hfy_file_safetensors_decode(bytes, size, table + 3, 1, y, &work) == HFY_OK && same_bits(x, y, sizeof x));
  free(bytes);
  hfy_work_free(&work);
}

TEST(round_trips) {
  enum { ENTRIES = 50, ALL = 30000 };
  static hfy_real x[ALL], y[ALL], z[ALL];
  static hfy_param table[ENTRIES], other[ENTRIES];
  hfy_rng rng = hfy_rng_seed(9);
  hfy_work work = {0};
  size_t trial, i, at, covered;
  for (trial = 0; trial < 20; trial++) {
    for (i = at = covered = 0; i < ENTRIES; i++) {
      char name[100];
      size_t length = (size_t)sprintf(name, "layer.%u.", (unsigned)i), rank = below(&rng, 4);
      if (i == 7)
        while (length < HFY_PARAM_NAME - 1) name[length++] = 'n'; /* the longest name */
      name[length] = 0;
      at += below(&rng, 3);
      table[i] = entry(name, at, rank, below(&rng, 8), below(&rng, 8), 1 + below(&rng, 7));
      at += table[i].count;
      covered += table[i].count;
    }
    for (i = 0; i < ALL; i++) {
      uint64_t bits = hfy_rng_u64(&rng); /* any bits: NaN, infinities, subnormal numbers among them */
      memcpy(x + i, &bits, sizeof *x);
    }
    memcpy(y, x, sizeof x);
    CHECK(at < ALL && hfy_file_safetensors_write(PATH, table, ENTRIES, x, &work) == HFY_OK);
    for (i = 0; i < ENTRIES; i++) /* elements go where the reader's table has them */
      memset(y + table[i].offset, 0x55, table[i].count * sizeof *y);
    memcpy(other, table, sizeof table);
    for (i = ENTRIES; i > 1; i--) { /* in any order */
      const size_t j = below(&rng, i);
      const hfy_param hold = other[i - 1];
      other[i - 1] = other[j];
      other[j] = hold;
    }
    CHECK(hfy_file_safetensors_read(PATH, other, ENTRIES, y, &work) == HFY_OK && same_bits(x, y, sizeof x));
    for (i = at = 0; i < ENTRIES; i++) {
      other[i].offset = at;
      at += other[i].count;
    }
    CHECK(at == covered && hfy_file_safetensors_read(PATH, other, ENTRIES, z, NULL) == HFY_OK);
    for (i = at = 0; i < ENTRIES; at += other[i++].count) {
      size_t j = 0;
      while (strcmp(table[j].name, other[i].name)) j++;
      CHECK(same_bits(z + at, x + table[j].offset, other[i].count * sizeof *z));
    }
  }
  hfy_work_free(&work);
  remove(PATH);
}

/* --- in --- */

/* The value of bits with this many of exponent and fraction, by the book. */
static double slow_value(uint32_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1, exponent = (int)(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = (double)(bits & ((1u << fraction_bits) - 1)) / (double)(1u << fraction_bits);
  double value = exponent ? pow(2.0, exponent - bias) * (1 + fraction) : pow(2.0, 1 - bias) * fraction;
  if (exponent == (1 << exponent_bits) - 1) value = fraction > 0 ? (double)not_a_number() : HUGE_VAL;
  return bits >> (exponent_bits + fraction_bits) & 1 ? -value : value;
}

TEST(every_type) {
  enum { N = 65536 };
  static unsigned char data[2 * N];
  static hfy_real x[N];
  hfy_param p = entry("x", 0, 1, N, 0, 0);
  hfy_work work = {0};
  unsigned char *bytes;
  size_t size, i;
  int kind;
  for (i = 0; i < N; i++) {
    data[2 * i] = (unsigned char)(i & 255);
    data[2 * i + 1] = (unsigned char)(i >> 8);
  }
  for (kind = 0; kind < 2; kind++) {
    bytes = build(kind ? "{\"x\":{\"dtype\":\"BF16\",\"shape\":[65536],\"data_offsets\":[0,131072]}}"
                       : "{\"x\":{\"dtype\":\"F16\",\"shape\":[65536],\"data_offsets\":[0,131072]}}",
                  data, sizeof data, &size);
    CHECK(hfy_file_safetensors_decode(bytes, size, &p, 1, x, &work) == HFY_OK);
    for (i = 0; i < N; i++) { /* all of them are floats: no rounding */
      const double want = slow_value((uint32_t)i, kind ? 8 : 5, kind ? 7 : 10), got = (double)x[i];
      CHECK(want != want ? got != got : got >= want && got <= want && (got != 0 || signbit(got) == signbit(want)));
    }
    free(bytes);
  }
  { /* 1 + 2^-30 rounds in float, 1e300 is beyond it; F32 and F64 side by side */
    static const unsigned char mixed[] = {0, 0, 0x40, 0, 0, 0, 0xf0, 0x3f, 0x9c, 0x75, 0, 0x88, 0x3c, 0xe4, 0x37, 0xfe,
                                          0, 0, 0xc0, 0xff, 0, 0, 0x28, 0xc1};
    hfy_param two[2];
    two[0] = entry("d", 1, 1, 2, 0, 0);
    two[1] = entry("f", 4, 2, 1, 2, 0);
    bytes = build("{\"d\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},"
                  "\"f\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[16,24]}}", mixed, sizeof mixed, &size);
    CHECK(hfy_file_safetensors_decode(bytes, size, two, 2, x, &work) == HFY_OK);
    CHECK_EQ(x[1], (hfy_real)(1 + ldexp(1.0, -30)));
    CHECK_NEAR(x[2], sizeof *x == 8 ? -1e300 : -HUGE_VAL, 1e-3);
    CHECK(x[4] != x[4]);
    CHECK_EQ(x[5], -10.5);
    free(bytes);
  }
  hfy_work_free(&work);
}

/* torch.nn.MultiheadAttention(2, 1) as the public library writes it: names in its own order. */
TEST(other_hands) {
  static const char header[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"in_proj_bias\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]},"
    "\"in_proj_weight\":{\"dtype\":\"F32\",\"shape\":[6,2],\"data_offsets\":[24,72]},"
    "\"out_proj.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[72,80]},"
    "\"out_proj.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[80,96]}} ";
  static const char core[] = "association_core.";
  hfy_param table[4];
  float data[24];
  hfy_real x[24];
  hfy_work work = {0};
  size_t size, i;
  unsigned char *bytes;
  for (i = 0; i < 24; i++) data[i] = (float)i;
  bytes = build(header, data, sizeof data, &size);
  table[0] = entry("association_core.in_proj_weight", 0, 2, 6, 2, 0);
  table[1] = entry("association_core.in_proj_bias", 12, 1, 6, 0, 0);
  table[2] = entry("association_core.out_proj.weight", 18, 2, 2, 2, 0);
  table[3] = entry("association_core.out_proj.bias", 22, 1, 2, 0, 0);
  CHECK_FAILS(hfy_file_safetensors_decode(bytes, size, table, 4, x, &work), HFY_ERR_FORMAT, &work,
              "in_proj_bias is not in the table");
  for (i = 0; i < 4; i++)
    memmove(table[i].name, table[i].name + strlen(core), strlen(table[i].name + strlen(core)) + 1);
  CHECK(hfy_file_safetensors_decode(bytes, size, table, 4, x, &work) == HFY_OK);
  for (i = 0; i < 24; i++) CHECK_EQ(x[i], i < 12 ? i + 6 : i < 18 ? i - 12 : i < 22 ? i + 2 : i - 4);
  free(bytes);
  hfy_work_free(&work);
}

TEST(headers_that_are_fine) {
  accept("{" A "," B "}");
  accept("{" B "," A "}     ");
  accept(" {\n\t" A " ,\r\n " B " } \n");
  accept("{\"__metadata__\":{}," A "," B "}");
  accept("{" A ",\"__metadata__\":{\"format\":\"pt\",\"\":\"{\\\"a\\\":[1]}\"}," B "}");
  accept("{" A "," B ",\"__metadata__\":{\"caf\303\251\":\"\\u00e9\\ud83d\\ude00\\\\\"}}");
  accept("{\"a\" : { \"data_offsets\" : [ 0 , 4 ] , \"shape\" : [ 1 ] , \"dtype\" : \"F32\" } , " B "}");
  accept("{\"b\":{\"shape\":[3,1],\"dtype\":\"F32\",\"data_offsets\":[4,16]}," A "}");
}

TEST(headers_that_are_not) {
#define T(name, dtype, shape, offsets) \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
  static char deep[3000], escaped[200];
  static const char *const malformed[] = {
    "", " ", "[]", "{", "{}}", "{} x", "{" A "," B "}x", "{" A "," B, "{" A "," B ",}", "{," A "," B "}",
    "{" A B "}", "{" A ";" B "}",
    "{'a':{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}," B "}",
    "{\"a\"}", "{\"a\":1," B "}", "{\"a\":{}," B "}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}," B "}", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}," B "}",
    "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}," B "}",
    "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}," B "}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}," B "}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],}," B "}",
    "{" T("a", "F32", "[1,]", "[0,4]") "," B "}", "{" T("a", "F32", "[-1]", "[0,4]") "," B "}",
    "{" T("a", "F32", "[1.0]", "[0,4]") "," B "}", "{" T("a", "F32", "[1e0]", "[0,4]") "," B "}",
    "{" T("a", "F32", "[01]", "[0,4]") "," B "}", "{" T("a", "F32", "[1L]", "[0,4]") "," B "}",
    "{" T("a", "F32", "(1,)", "[0,4]") "," B "}", "{" T("a", "F32", "[[1]]", "[0,4]") "," B "}",
    "{" T("a", "F32", "1", "[0,4]") "," B "}", "{" T("a", "F32", "[null]", "[0,4]") "," B "}",
    "{" T("a", "F32", "[18446744073709551616]", "[0,4]") "," B "}",
    "{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "," B "}",
    "{" T("a", "F32", "[1]", "[0]") "," B "}", "{" T("a", "F32", "[1]", "[]") "," B "}",
    "{" T("a", "F32", "[1]", "[0,4,8]") "," B "}", "{" T("a", "F32", "[1]", "[0,99999999999999999999]") "," B "}",
    "{\"__metadata__\":{\"a\":1}," A "," B "}", "{\"__metadata__\":{\"a\":{\"b\":\"c\"}}," A "," B "}",
    "{\"__metadata__\":[]," A "," B "}", "{\"__metadata__\":null," A "," B "}",
    "{\"__metadata__\":{\"a\":\"b\",}," A "," B "}", "{\"__metadata__\":{},\"__metadata__\":{}," A "," B "}",
    "{\"__metadata__\":{\"a\":\"\n\"}," A "," B "}", "{\"__metadata__\":{\"a\":\"b\\\"},}", "{\"a\n\":1}"};
  static const char *const others[][2] = {
    {"{" A "}", "b is missing (of 1 that are)"},
    {"{}", "a is missing (of 2 that are)"},
    {"{" A "," B "," A "}", "a is there twice"},
    {"{" A "," B ",\"c\":0}", "c is not in the table"},
    {"{" A "," B "," T("\303\050\377", "F32", "[0]", "[16,16]") "}", "is not in the table"},
    {"{" T("\\u0061", "F32", "[1]", "[0,4]") "," B "}", "\\u0061 is not in the table"},
    {"{" T("a\\\"", "F32", "[1]", "[0,4]") "," B "}", "is not in the table"},
    {"{" T("", "F32", "[1]", "[0,4]") "," B "}", " is not in the table"},
    {"{" T("a", "I32", "[1]", "[0,4]") "," B "}", "a has dtype I32; it should be F64, F32, F16 or BF16"},
    {"{" T("a", "", "[1]", "[0,4]") "," B "}", "a has dtype ; it should be"},
    {"{" T("a", "F\\u00332", "[1]", "[0,4]") "," B "}", "a has dtype F\\u00332"},
    {"{" T("a", "F32", "[2]", "[0,8]") "," B "}", "a has shape [2]; it should be [1]"},
    {"{" T("a", "F32", "[]", "[0,4]") "," B "}", "a has shape []; it should be [1]"},
    {"{" T("a", "F32", "[1,1]", "[0,4]") "," B "}", "a has shape [1,1]; it should be [1]"},
    {"{" A "," T("b", "F32", "[1,3]", "[4,16]") "}", "b has shape [1,3]; it should be [3,1]"},
    {"{" T("a", "F32", "[4611686018427387905]", "[0,4]") "," B "}", "a has shape [4611686018427387905]"},
    {"{" T("a", "F32", "[1]", "[0,5]") "," B "}", "a has data_offsets [0,5]; its shape needs 4 bytes"},
    {"{" T("a", "F64", "[1]", "[0,4]") "," B "}", "a has data_offsets [0,4]; its shape needs 8 bytes"},
    {"{" T("a", "F32", "[1]", "[4,0]") "," B "}", "a has data_offsets [4,0]"},
    {"{" T("a", "F32", "[1]", "[4,8]") "," B "}", "data_offsets overlap: none starts at byte 0"},
    {"{" A "," T("b", "F32", "[3,1]", "[0,12]") "}", "data_offsets overlap: none starts at byte"},
    {"{" A "," T("b", "F32", "[3,1]", "[2,14]") "}", "data_offsets overlap: none starts at byte 4"},
    {"{" A "," T("b", "F32", "[3,1]", "[8,20]") "}", "data_offsets overlap: none starts at byte 4"},
    {"{" A "," T("b", "F32", "[3,1]", "[18446744073709551603,18446744073709551615]") "}", "none starts at byte 4"},
    {"{" A "," T("b", "F16", "[3,1]", "[4,10]") "}", "16 bytes of elements; its tensors need 10"},
    {"{" A "," T("b", "F64", "[3,1]", "[4,28]") "}", "16 bytes of elements; its tensors need 28"}};
  char longest[400];
  size_t i;
  for (i = 0; i < COUNT(malformed); i++) refuse(malformed[i], "header is malformed at byte");
  for (i = 0; i < COUNT(others); i++)
    if (SIZE_MAX > 0xFFFFFFFF ||
        (!strstr(others[i][0], "18446744073709551603") && !strstr(others[i][0], "4611686018427387905")))
      refuse(others[i][0], others[i][1]);
  memset(deep, '[', sizeof deep - 1); /* nothing recurs, however deep */
  memcpy(deep, "{\"a\":{\"shape\":", 14);
  refuse(deep, "header is malformed at byte");
  memset(deep, '{', sizeof deep - 1);
  refuse(deep, "header is malformed at byte 9");
  memset(deep, 'a', sizeof deep - 1); /* a name that never ends, and one cut off */
  memcpy(deep, "{\"", 2);
  refuse(deep, "header is malformed");
  memcpy(deep + sizeof deep - 5, "\":0}", 4);
  refuse(deep, "aaa is not in the table");
  memset(escaped, '\\', sizeof escaped - 1);
  memcpy(escaped, "{\"", 2);
  refuse(escaped, "header is malformed");
  { /* a name of one letter more than the table's longest is another */
    hfy_param p = entry("", 0, 1, 4, 0, 0);
    hfy_real x[4];
    hfy_work work = {0};
    unsigned char *bytes;
    size_t size, extra;
    memset(p.name, 'n', HFY_PARAM_NAME - 1);
    for (extra = 0; extra < 3; extra++) {
      sprintf(longest, "{\"%s%s\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", p.name,
              extra == 1 ? "n" : extra ? "\303\251" : "");
      bytes = build(longest, numbers, sizeof numbers, &size);
      CHECK(hfy_file_safetensors_decode(bytes, size, &p, 1, x, &work) == (extra ? HFY_ERR_FORMAT : HFY_OK));
      free(bytes);
    }
    hfy_work_free(&work);
  }
  remove(PATH);
#undef T
}

TEST(bytes_that_lie) {
  static const char header[] = "{\"__metadata__\":{\"a\":\"\\n\"}," B "," A "}  ";
  hfy_param table[2];
  hfy_real x[6];
  hfy_rng rng = hfy_rng_seed(3);
  hfy_work work = {0};
  size_t size, trial, i, answered = 0, refused = 0;
  unsigned char *whole = build(header, numbers, sizeof numbers, &size), *bytes;
  pair(table);
  for (i = 0; i <= size + 1; i++) { /* cut off at each byte, and one byte too long */
    bytes = (unsigned char *)calloc(i ? i : 1, 1);
    if (!bytes) abort();
    memcpy(bytes, whole, i < size ? i : size);
    fill(x, 6, 77);
    CHECK(hfy_file_safetensors_decode(bytes, i, table, 2, x, &work) == (i == size ? HFY_OK : HFY_ERR_FORMAT));
    CHECK(i == size ? pair_is_there(x) : all_are(x, 6, 77));
    if (i < 8 + strlen(header)) CHECK_CONTAINS(work.message, "cut off");
    free(bytes);
  }
  for (i = 0; i < 8; i++) { /* headers of a length that is not there, up to 2^63 */
    bytes = build(header, numbers, sizeof numbers, &size);
    bytes[i] = 0xff;
    CHECK_FAILS(hfy_file_safetensors_decode(bytes, size, table, 2, x, &work), HFY_ERR_FORMAT, &work, "cut off");
    write_file(bytes, size);
    CHECK_FAILS(hfy_file_safetensors_read(PATH, table, 2, x, &work), HFY_ERR_FORMAT, &work, "cut off");
    free(bytes);
  }
  for (trial = 0; trial < 60000 / FEWER; trial++) {
    static const char spice[] = "\"{}[]:,0123456789abF \\\n\377";
    hfy_status status;
    size_t changes = 1 + below(&rng, 3), length = size;
    bytes = (unsigned char *)malloc(size + 4);
    if (!bytes) abort();
    memcpy(bytes, whole, size);
    while (changes--) {
      const size_t at = below(&rng, length), how = below(&rng, 4);
      if (how == 0) bytes[at] = (unsigned char)hfy_rng_u64(&rng);
      if (how == 1) bytes[at] = (unsigned char)spice[below(&rng, sizeof spice - 1)];
      if (how == 2 && length < size + 3) memmove(bytes + at + 1, bytes + at, length++ - at);
      if (how == 3) memmove(bytes + at, bytes + at + 1, --length - at);
      if (how > 1) bytes[0] = (unsigned char)(bytes[0] + (how == 2 ? 1 : -1)); /* the header grows or shrinks with it */
    }
    bytes = (unsigned char *)realloc(bytes, length);
    fill(x, 6, 77);
    status = hfy_file_safetensors_decode(bytes, length, table, 2, x, &work);
    CHECK(status == HFY_OK || status == HFY_ERR_FORMAT);
    CHECK(x[3] >= 77 && x[3] <= 77 && (status == HFY_OK || all_are(x, 6, 77)));
    CHECK(!status == !work.message[0]);
    answered += status == HFY_OK;
    refused += status != HFY_OK;
    free(bytes);
  }
  CHECK(answered > 50 && refused > 5000); /* both kinds were tried */
  free(whole);
  hfy_work_free(&work);
  remove(PATH);
}

TEST(files) {
  hfy_param table[2];
  hfy_real x[6];
  hfy_work work = {0};
  size_t size, i;
  unsigned char *bytes = build("{" A "," B "}", numbers, sizeof numbers, &size);
  pair(table);
  fill(x, 6, 77);
  remove(PATH);
  CHECK_FAILS(hfy_file_safetensors_read(PATH, table, 2, x, &work), HFY_ERR_IO, &work, "could not open " PATH);
  CHECK_FAILS(hfy_file_safetensors_write("no/such/place", table, 2, x, &work), HFY_ERR_IO, &work,
              "could not open no/such");
  CHECK_FAILS(hfy_file_safetensors_read(".", table, 2, x, &work), HFY_ERR_IO, &work, "."); /* a directory */
  for (i = 0; i < size; i++) {
    write_file(bytes, i);
    CHECK_FAILS(hfy_file_safetensors_read(PATH, table, 2, x, &work), HFY_ERR_FORMAT, &work, PATH);
  }
  for (i = 0; i < 3; i++) { /* the widest that fits, whole and with more behind it */
    static const char wide[] = "{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]},"
                               "\"b\":{\"dtype\":\"F64\",\"shape\":[3,1],\"data_offsets\":[8,32]}}";
    static const double more[6] = {0};
    size_t longer;
    unsigned char *other = build(wide, more, 32 + i, &longer);
    write_file(other, longer);
    CHECK(hfy_file_safetensors_read(PATH, table, 2, x, &work) == (i ? HFY_ERR_FORMAT : HFY_OK));
    fill(x, 6, 77);
    free(other);
  }
  write_file(bytes, size);
  for (i = 0; i < 2; i++) { /* untouched however far it came */
    reads_left = (long)i;
    CHECK_FAILS(hfy_file_safetensors_read(PATH, table, 2, x, &work), HFY_ERR_IO, &work, "reading failed: " PATH);
    reads_left = -1;
  }
  CHECK(all_are(x, 6, 77));
  CHECK(hfy_file_safetensors_read(PATH, table, 2, x, &work) == HFY_OK && pair_is_there(x));
  for (i = 0; i < 3; i++) {
    writes_left = i ? -1 : 0;
    close_fails = i == 1, rename_fails = i == 2;
    CHECK_FAILS(hfy_file_safetensors_write(PATH, table, 2, x, &work), HFY_ERR_IO, &work, "writing failed: " PATH);
    CHECK(is_intact(PATH, bytes, size));
  }
  close_fails = rename_fails = 0;
  seek_fails = 1; /* a pipe */
  CHECK(hfy_file_safetensors_read(PATH, table, 2, x, &work) == HFY_OK && pair_is_there(x));
  seek_fails = 0;
  CHECK(hfy_file_safetensors_write(PATH, table, 2, x, NULL) == HFY_OK);
  fill(x, 6, 77);
  CHECK(hfy_file_safetensors_read(PATH, table, 2, x, &work) == HFY_OK && pair_is_there(x) && !work.message[0]);
  free(bytes);
  hfy_work_free(&work);
  remove(PATH);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(start_values);
  RUN(tables_that_are_not);
  RUN(headers_written);
  RUN(round_trips);
  RUN(every_type);
  RUN(other_hands);
  RUN(headers_that_are_fine);
  RUN(headers_that_are_not);
  RUN(bytes_that_lie);
  RUN(files);
  return CHECK_END();
}
