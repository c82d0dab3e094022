/* reproduce.h: what the programs of this directory share: pictures (IDX, CIFAR-10, NumPy), arguments, a progress
   line, CSV files, medians. Include it after hfy.h. */
#ifndef REPRODUCE_H
#define REPRODUCE_H

#include "../../examples/images.h"
#include <stdarg.h>
#include <time.h>

/* Ends the program with a message. */
static void die(const char *format, ...) {
  va_list list;
  va_start(list, format);
  fprintf(stderr, "\n");
  vfprintf(stderr, format, list);
  fprintf(stderr, "\n");
  va_end(list);
  exit(1);
}

static void check(hfy_status status, const hfy_work *work) {
  if (status) die("%s: %s", hfy_status_text(status), work->message);
}

static void *allocate(size_t count, size_t size) {
  void *p = calloc(count ? count : 1, size);
  if (!p) die("no memory for %lu times %lu bytes", (unsigned long)count, (unsigned long)size);
  return p;
}

static double seconds_since(time_t then) { return difftime(time(NULL), then); }

/* One line on standard error, written over again and again: what is done, how much of it, since when. */
static void progress(const char *what, size_t done, size_t of, time_t then) {
  fprintf(stderr, "\r%-56s %6lu of %lu  %5.0f s ", what, (unsigned long)done, (unsigned long)of, seconds_since(then));
  if (done >= of) fprintf(stderr, "\n");
  fflush(stderr);
}

/* The value of --NAME in the arguments (--NAME VALUE), or the default. */
static const char *option(int argc, char **argv, const char *name, const char *standard) {
  int i;
  for (i = 1; i + 1 < argc; i++)
    if (!strncmp(argv[i], "--", 2) && !strcmp(argv[i] + 2, name)) return argv[i + 1];
  return standard;
}

static double number(int argc, char **argv, const char *name, double standard) {
  const char *text = option(argc, argv, name, NULL);
  char *end;
  double value;
  if (!text) return standard;
  value = strtod(text, &end);
  if (end == text || *end) die("--%s %s: a number is wanted", name, text);
  return value;
}

static FILE *create(const char *directory, const char *name) {
  char path[1000];
  FILE *file;
  snprintf(path, sizeof path, "%s/%s", directory, name);
  file = fopen(path, "w");
  if (!file) die("%s: cannot be written", path);
  return file;
}

static void done(FILE *file, const char *name) {
  if (ferror(file) || fclose(file)) die("%s: could not be written", name);
}

/* ------------------------------------------------------------------------------------------------------------------
   Pictures. A picture in colour has its channels side by side in each pixel, so a row is width x channels numbers,
   which is what `width` says of it; a half of the picture is then a half of the vector, as it is in grey.
   ------------------------------------------------------------------------------------------------------------------ */

static long pictures_length(FILE *file) {
  long length;
  if (fseek(file, 0, SEEK_END) || (length = ftell(file)) < 0 || fseek(file, 0, SEEK_SET)) return -1;
  return length;
}

/* Gives `out` its pixels: `count` pictures of height x width numbers. */
static int pictures_room(images *out, const char *path, char *message, size_t room) {
  const size_t dim = out->height * out->width;
  if (out->count <= SIZE_MAX / sizeof *out->pixels / dim)
    out->pixels = (hfy_real *)malloc(out->count * dim * sizeof *out->pixels);
  if (out->pixels) return 0;
  snprintf(message, room, "%s: no memory for %lu pictures of %lu numbers", path, (unsigned long)out->count,
           (unsigned long)dim);
  return 1;
}

/* The first `limit` pictures (0: all) of CIFAR-10's binary version: `files` batches DIRECTORY/data_batch_1.bin and
   on, or test_batch.bin. A record is a label 0 to 9 and 3,072 bytes: the red plane of 32 x 32, the green one, the
   blue one. A byte v becomes 2 v/255 - 1. Returns 0, or 1 with what is wrong in message. */
static int pictures_read_cifar(images *out, const char *directory, int test, size_t limit, char *message, size_t room) {
  enum { SIDE = 32, CHANNELS = 3, PLANE = SIDE * SIDE, DIM = CHANNELS * PLANE };
  char path[1000] = "";
  unsigned char record[1 + DIM];
  const int files = test ? 1 : 5;
  FILE *file = NULL;
  int pass, f, channel;
  size_t i, n, at = 0;
  memset(out, 0, sizeof *out);
  out->height = SIDE, out->width = SIDE * CHANNELS;
  for (pass = 0; pass < 2; pass++) { /* how many there are; then they themselves */
    for (f = 1; f <= files; f++) {
      long length;
      if (test)
        snprintf(path, sizeof path, "%s/test_batch.bin", directory);
      else
        snprintf(path, sizeof path, "%s/data_batch_%d.bin", directory, f);
      file = fopen(path, "rb");
      if (!file) {
        snprintf(message, room, "%s: cannot be opened", path);
        goto fail;
      }
      length = pictures_length(file);
      if (length <= 0 || length % (long)sizeof record) {
        snprintf(message, room, "%s: %ld bytes; CIFAR-10's binary version has %d a picture", path, length, 1 + DIM);
        goto fail;
      }
      n = (size_t)length / sizeof record;
      if (!pass) out->in_file += n;
      for (i = 0; pass && i < n && at < out->count; i++, at++) {
        hfy_real *pixel = out->pixels + at * DIM;
        int d;
        if (fread(record, 1, sizeof record, file) != sizeof record) {
          snprintf(message, room, "%s: could not be read to its end", path);
          goto fail;
        }
        if (record[0] > 9) {
          snprintf(message, room, "%s: label %d of picture %lu; CIFAR-10's are 0 to 9", path, record[0],
                   (unsigned long)i);
          goto fail;
        }
        for (channel = 0; channel < CHANNELS; channel++)
          for (d = 0; d < PLANE; d++)
            pixel[d * CHANNELS + channel] = (hfy_real)(record[1 + channel * PLANE + d] / 255.0 * 2 - 1);
      }
      fclose(file), file = NULL;
    }
    if (!pass) {
      out->count = limit && limit < out->in_file ? limit : out->in_file;
      if (pictures_room(out, path, message, room)) goto fail;
    }
  }
  return 0;
fail:
  if (file) fclose(file);
  free(out->pixels);
  out->pixels = NULL;
  return 1;
}

/* The first `limit` pictures (0: all) of a NumPy file of unsigned bytes ('|u1': v becomes 2 v/255 - 1) or floats
   ('<f4', '=f4': as they are; they should be in [-1, 1]), in C order, of shape (count, height, width), (count, height,
   width, channels) or (count, channels, height, width), told apart by which is 4 at most. */
static int pictures_read_npy(images *out, const char *path, size_t limit, char *message, size_t room) {
  unsigned char head[12], *row = NULL;
  char text[4096];
  const char *at;
  char *end;
  unsigned long shape[5] = {0};
  size_t got, axes = 0, begins, bytes, channels = 1, dim, i, d, c, plane;
  int floats, planes = 0;
  long length;
  FILE *file = fopen(path, "rb");
  memset(out, 0, sizeof *out);
  if (!file) {
    snprintf(message, room, "%s: cannot be opened", path);
    return 1;
  }
  length = pictures_length(file);
  got = fread(head, 1, sizeof head, file);
  if (got < sizeof head || memcmp(head, "\x93NUMPY", 6) || head[6] < 1 || head[6] > 3) {
    snprintf(message, room, "%s: not a NumPy file of version 1 to 3", path);
    goto fail;
  }
  begins = head[6] == 1 ? 10 : 12;
  got = (size_t)head[8] | (size_t)head[9] << 8;
  if (head[6] > 1) got |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
  if (got >= sizeof text || fseek(file, (long)begins, SEEK_SET) || fread(text, 1, got, file) != got) {
    snprintf(message, room, "%s: its header of %lu bytes is too long or cut off", path, (unsigned long)got);
    goto fail;
  }
  text[got] = 0, begins += got;
  floats = strstr(text, "'<f4'") || strstr(text, "'=f4'");
  if (!floats && !strstr(text, "'|u1'")) {
    snprintf(message, room, "%s: neither bytes ('|u1') nor floats ('<f4'): %.80s", path, text);
    goto fail;
  }
  if (!strstr(text, "'fortran_order': False") || !(at = strstr(text, "'shape': ("))) {
    snprintf(message, room, "%s: should have a shape and be in C order: %.80s", path, text);
    goto fail;
  }
  for (at += strlen("'shape': ("); axes < 5; at = end) {
    shape[axes] = strtoul(at, &end, 10);
    if (end == at) break;
    axes++;
    while (*end == ',' || *end == ' ') end++;
  }
  for (i = 0, d = 1; i < axes; i++) d = d && shape[i] && (!i || shape[i] <= 65535);
  if (axes == 4) {
    planes = shape[3] > 4;
    channels = planes ? shape[1] : shape[3];
  }
  if (!d || axes < 3 || axes > 4 || channels > 4) {
    snprintf(message, room, "%s: should be (count, height, width) or with up to 4 channels: %.80s", path, text);
    goto fail;
  }
  out->in_file = shape[0], out->height = shape[planes ? 2 : 1];
  plane = out->height * shape[planes ? 3 : 2], dim = plane * channels, bytes = floats ? 4 : 1;
  out->width = dim / out->height;
  if (length < 0 || (size_t)length < begins || ((size_t)length - begins) % (dim * bytes) ||
      ((size_t)length - begins) / (dim * bytes) != out->in_file) {
    snprintf(message, room, "%s: says %lu pictures of %lu numbers but has %ld bytes in all", path,
             (unsigned long)out->in_file, (unsigned long)dim, length);
    goto fail;
  }
  out->count = limit && limit < out->in_file ? limit : out->in_file;
  row = (unsigned char *)malloc(dim * bytes);
  if (!row) snprintf(message, room, "%s: no memory for a picture", path);
  if (!row || pictures_room(out, path, message, room)) goto fail;
  for (i = 0; i < out->count; i++) {
    if (fread(row, bytes, dim, file) != dim) {
      snprintf(message, room, "%s: could not be read to its end", path);
      goto fail;
    }
    for (d = 0; d < plane; d++)
      for (c = 0; c < channels; c++) {
        const unsigned char *from = row + (planes ? c * plane + d : d * channels + c) * bytes;
        float v = (float)(*from / 255.0 * 2 - 1);
        if (floats) { /* lowest byte first, whatever this machine does */
          uint32_t word = (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
                          (uint32_t)from[3] << 24;
          memcpy(&v, &word, sizeof v);
        }
        if (!(v >= -1 && v <= 1)) {
          snprintf(message, room, "%s: %g in picture %lu; floats should be in [-1, 1]", path, (double)v,
                   (unsigned long)i);
          goto fail;
        }
        out->pixels[i * dim + d * channels + c] = (hfy_real)v;
      }
  }
  free(row);
  fclose(file);
  return 0;
fail:
  free(row);
  free(out->pixels);
  out->pixels = NULL;
  fclose(file);
  return 1;
}

static int pictures_there(const char *directory, const char *name) {
  char path[1000];
  FILE *file;
  snprintf(path, sizeof path, "%s/%s", directory, name);
  file = fopen(path, "rb");
  if (file) fclose(file);
  return file != NULL;
}

/* Pictures of a directory, pixels in [-1, 1], at most `limit` (0: all): of DIRECTORY/NAME in IDX form (MNIST) or, where
   there is no such file, CIFAR-10's batches (binary version) or train.npy and test.npy. What the name begins with says
   which half is meant: "train" or not. */
static images pictures(const char *directory, const char *name, size_t limit) {
  const int test = strncmp(name, "train", 5) != 0;
  char path[1000], message[1200];
  images all;
  int bad;
  snprintf(path, sizeof path, "%s/%s", directory, name);
  if (!pictures_there(directory, name) && pictures_there(directory, test ? "test_batch.bin" : "data_batch_1.bin")) {
    bad = pictures_read_cifar(&all, directory, test, limit, message, sizeof message);
  } else if (!pictures_there(directory, name) && pictures_there(directory, test ? "test.npy" : "train.npy")) {
    snprintf(path, sizeof path, "%s/%s", directory, test ? "test.npy" : "train.npy");
    bad = pictures_read_npy(&all, path, limit, message, sizeof message);
  } else {
    bad = images_read_idx(&all, path, limit, message, sizeof message);
  }
  if (bad) die("%s", message);
  return all;
}

static int reproduce_ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Quantile of n values, interpolated; sorts them. */
static double quantile(double *values, size_t n, double where) {
  double at = where * (double)(n - 1);
  size_t i = (size_t)at;
  qsort(values, n, sizeof *values, reproduce_ascending);
  return i + 1 < n ? values[i] + (at - (double)i) * (values[i + 1] - values[i]) : values[n - 1];
}

/* `count` different numbers below n, in random order. */
static void draw(hfy_rng *rng, size_t n, size_t count, size_t *chosen) {
  size_t *all = (size_t *)allocate(n, sizeof *all), i;
  for (i = 0; i < n; i++) all[i] = i;
  for (i = 0; i < count; i++) {
    size_t j = i + (size_t)(hfy_rng_u64(rng) % (n - i)), swap = all[i];
    all[i] = all[j], all[j] = swap;
    chosen[i] = all[i];
  }
  free(all);
}

#endif
