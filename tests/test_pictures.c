/* test_pictures.c: the readers of bench/reproduce: CIFAR-10's binary batches and NumPy files, written here and read
   back, and what is wrong with broken ones. */
#ifndef TEST_LINKED
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define check reproduce_check
#include "../bench/reproduce/reproduce.h"
#undef check
#include "check.h"

static char directory[200], message[1200];

static const char *in(const char *name) {
  static char path[300];
  snprintf(path, sizeof path, "%s%s", directory, name);
  return path;
}

static void put(const char *name, const void *bytes, size_t n) {
  FILE *file = fopen(in(name), "wb");
  if (!CHECK(file != NULL)) return;
  CHECK(fwrite(bytes, 1, n, file) == n);
  fclose(file);
}

static double pixel(unsigned byte) { return byte / 255.0 * 2 - 1; }

/* --- CIFAR-10: a label, then the red, the green and the blue plane of 32 x 32 --- */

/* byte d of plane `channel` of picture i of batch f */
static unsigned char colour(size_t f, size_t i, size_t channel, size_t d) {
  return (unsigned char)((f * 31 + i * 57 + channel * 101 + d * 3) % 256);
}

static void batch(const char *name, size_t f, size_t n, unsigned char label, size_t bytes) {
  unsigned char *all = (unsigned char *)malloc(n * 3073);
  size_t i, channel, d;
  for (i = 0; i < n; i++) {
    all[i * 3073] = i == n - 1 ? label : (unsigned char)(i % 10);
    for (channel = 0; channel < 3; channel++)
      for (d = 0; d < 1024; d++) all[i * 3073 + 1 + channel * 1024 + d] = colour(f, i, channel, d);
  }
  put(name, all, bytes ? bytes : n * 3073);
  free(all);
}

TEST(cifar_batches_come_back) {
  images all;
  size_t f, i, channel, d, at, limit;
  int wrong = 0;
  char name[40];
  for (f = 1; f <= 5; f++) {
    snprintf(name, sizeof name, "data_batch_%d.bin", (int)f);
    batch(name, f, f + 1, 9, 0);
  }
  batch("test_batch.bin", 6, 3, 0, 0);
  for (limit = 0; limit <= 21; limit += 7) { /* 2 + 3 + 4 + 5 + 6 pictures */
    if (!CHECK(!pictures_read_cifar(&all, directory, 0, limit, message, sizeof message))) return;
    CHECK(all.in_file == 20 && all.count == (limit && limit < 20 ? limit : 20));
    CHECK(all.height == 32 && all.width == 96);
    for (f = 1, at = 0; f <= 5; f++)
      for (i = 0; i < f + 1 && at < all.count; i++, at++)
        for (channel = 0; channel < 3; channel++)
          for (d = 0; d < 1024; d++)
            wrong += all.pixels[at * 3072 + d * 3 + channel] != (hfy_real)pixel(colour(f, i, channel, d));
    CHECK_EQ(wrong, 0);
    free(all.pixels);
  }
  all = pictures(directory, "train-images-idx3-ubyte", 0); /* finds them by themselves */
  CHECK(all.count == 20 && all.pixels[0] == (hfy_real)pixel(colour(1, 0, 0, 0)));
  free(all.pixels);
  remove(in("data_batch_1.bin"));
  all = pictures(directory, "t10k-images-idx3-ubyte", 2);
  CHECK(all.count == 2 && all.in_file == 3 && all.pixels[1] == (hfy_real)pixel(colour(6, 0, 1, 0)));
  free(all.pixels);
}

TEST(broken_cifar_batches_are_named) {
  images all;
  batch("test_batch.bin", 6, 3, 10, 0);
  CHECK(pictures_read_cifar(&all, directory, 1, 0, message, sizeof message) && !all.pixels);
  CHECK_CONTAINS(message, "label 10 of picture 2");
  batch("test_batch.bin", 6, 3, 0, 3072 * 3);
  CHECK(pictures_read_cifar(&all, directory, 1, 0, message, sizeof message) && !all.pixels);
  CHECK_CONTAINS(message, "9216 bytes");
  put("test_batch.bin", "", 0);
  CHECK(pictures_read_cifar(&all, directory, 1, 0, message, sizeof message));
  CHECK_CONTAINS(message, "0 bytes");
  remove(in("test_batch.bin"));
  CHECK(pictures_read_cifar(&all, directory, 1, 0, message, sizeof message));
  CHECK_CONTAINS(message, "cannot be opened");
  batch("data_batch_1.bin", 1, 2, 9, 0);
  remove(in("data_batch_4.bin"));
  CHECK(pictures_read_cifar(&all, directory, 0, 0, message, sizeof message));
  CHECK_CONTAINS(message, "data_batch_4.bin: cannot be opened");
}

/* --- NumPy files --- */

/* Writes x.npy of this version: header text, then the data. */
static void npy(int version, const char *text, const void *data, size_t bytes) {
  unsigned char all[70000];
  size_t length = strlen(text), begins = version == 1 ? 10 : 12;
  memset(all, 0, sizeof all);
  memcpy(all, "\x93NUMPY", 6);
  all[6] = (unsigned char)version;
  all[8] = (unsigned char)(length % 256);
  all[9] = (unsigned char)(length / 256);
  memcpy(all + begins, text, length);
  memcpy(all + begins + length, data, bytes);
  put("x.npy", all, begins + length + bytes);
}

static int reads(images *all, size_t limit) {
  return !pictures_read_npy(all, in("x.npy"), limit, message, sizeof message);
}

TEST(numpy_files_come_back) {
  unsigned char bytes[5 * 6 * 7 * 3];
  float floats[2 * 3 * 4] = {-1, 1};
  images all;
  size_t i;
  int version, wrong;
  for (i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 37 % 256);
  for (version = 1; version <= 3; version++) { /* grey, and channels last: the file's own order */
    npy(version, "{'descr': '|u1', 'fortran_order': False, 'shape': (5, 6, 21), }   \n", bytes, sizeof bytes);
    if (!CHECK(reads(&all, 0))) return;
    CHECK(all.count == 5 && all.in_file == 5 && all.height == 6 && all.width == 21);
    for (i = 0, wrong = 0; i < sizeof bytes; i++) wrong += all.pixels[i] != (hfy_real)(float)pixel(bytes[i]);
    CHECK_EQ(wrong, 0);
    free(all.pixels);
    npy(version, "{'descr': '|u1', 'fortran_order': False, 'shape': (5, 6, 7, 3), }", bytes, sizeof bytes);
    if (!CHECK(reads(&all, 3))) return;
    CHECK(all.count == 3 && all.in_file == 5 && all.height == 6 && all.width == 21);
    for (i = 0, wrong = 0; i < 3 * 126; i++) wrong += all.pixels[i] != (hfy_real)(float)pixel(bytes[i]);
    CHECK_EQ(wrong, 0);
    free(all.pixels);
  }
  npy(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (5, 3, 6, 7), }", bytes, sizeof bytes); /* planes */
  if (!CHECK(reads(&all, 0))) return;
  CHECK(all.count == 5 && all.height == 6 && all.width == 21);
  for (i = 0, wrong = 0; i < sizeof bytes; i++)
    wrong += all.pixels[i / 126 * 126 + i % 42 * 3 + i / 42 % 3] != (hfy_real)(float)pixel(bytes[i]);
  CHECK_EQ(wrong, 0);
  free(all.pixels);
  for (i = 2; i < 24; i++) floats[i] = (float)i / 13.0F - 1;
  npy(1, "{'descr': '=f4', 'fortran_order': False, 'shape': (2, 3, 4), }", floats, sizeof floats);
  if (!CHECK(reads(&all, 0))) return;
  for (i = 0, wrong = 0; i < 24; i++) wrong += all.pixels[i] != (hfy_real)floats[i];
  CHECK_EQ(wrong, 0);
  free(all.pixels);
}

TEST(broken_numpy_files_are_named) {
  static const struct {
    const char *text;
    size_t bytes;
    const char *says;
  } cases[] = {{"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2, 2), }", 32, "neither bytes"},
               {"{'descr': '|u1', 'fortran_order': True, 'shape': (1, 2, 2), }", 4, "C order"},
               {"{'descr': '|u1', 'fortran_order': False}", 4, "a shape"},
               {"{'descr': '|u1', 'fortran_order': False, 'shape': (4, 4), }", 16, "(count, height, width)"},
               {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 4), }", 4, "(count, height, width)"},
               {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 5, 5, 5), }", 125, "up to 4 channels"},
               {"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 2, 2), }", 0, "(count, height, width)"},
               {"{'descr': '|u1', 'fortran_order': False, 'shape': (9, 70000, 2), }", 4, "(count, height, width)"},
               {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2), }", 7, "says 2 pictures of 4 numbers"},
               {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2), }", 12, "says 2 pictures of 4 numbers"},
               {"{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551615, 2, 2), }", 4, "says"}};
  float nan[4] = {0, 0, 0, 0};
  unsigned char zeros[200] = {0};
  images all;
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    npy(1, cases[i].text, zeros, cases[i].bytes);
    CHECK(!reads(&all, 0) && !all.pixels);
    CHECK_CONTAINS(message, cases[i].says);
  }
  nan[2] = (float)(HUGE_VAL - HUGE_VAL);
  npy(1, "{'descr': '=f4', 'fortran_order': False, 'shape': (1, 2, 2), }", nan, sizeof nan);
  CHECK(!reads(&all, 0) && !all.pixels);
  CHECK_CONTAINS(message, "in [-1, 1]");
  nan[2] = 1.5F;
  npy(1, "{'descr': '=f4', 'fortran_order': False, 'shape': (1, 2, 2), }", nan, sizeof nan);
  CHECK(!reads(&all, 0) && !all.pixels);
  put("x.npy", "\x93NUMPY\x01", 8);
  CHECK(!reads(&all, 0));
  CHECK_CONTAINS(message, "not a NumPy file");
  put("x.npy", "\x93NUMPY\x01\0\xFF\x0F{'descr': ", 21);
  CHECK(!reads(&all, 0));
  CHECK_CONTAINS(message, "cut off");
  put("x.npy", "\x93NUMPY\x02\0\x02\0\x01\0{}          ", 24); /* 65,538 bytes of header */
  CHECK(!reads(&all, 0));
  CHECK_CONTAINS(message, "header of 65538 bytes");
  remove(in("x.npy"));
  CHECK(!reads(&all, 0));
  CHECK_CONTAINS(message, "cannot be opened");
}

int main(int argc, char **argv) {
  char *cut;
  CHECK_BEGIN(argc, argv);
  snprintf(directory, sizeof directory, "%.180s", argv[0]); /* files go beside this program */
  cut = strrchr(directory, '/');
  if (cut)
    cut[1] = 0;
  else
    strcpy(directory, "./");
  RUN(cifar_batches_come_back);
  RUN(broken_cifar_batches_are_named);
  RUN(numpy_files_come_back);
  RUN(broken_numpy_files_are_named);
  return CHECK_END();
}
