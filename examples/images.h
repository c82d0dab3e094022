/* images.h: reading and showing pictures, for the examples: IDX files (the format of MNIST), characters in the
   terminal, and a contact sheet written as PNG. A picture is height x width pixels, row by row, in hfy_real.
   Include it after hfy.h. */
#ifndef IMAGES_H
#define IMAGES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GNUC__
#define IMAGES_API static __attribute__((unused))
#else
#define IMAGES_API static
#endif

/* ------------------------------------------------------------------------------------------------------------------
   IDX: bytes 0 0 TYPE AXES, then each axis as four bytes, the highest first, then the elements
   ------------------------------------------------------------------------------------------------------------------ */

typedef struct images {
  hfy_real *pixels; /* count x height x width; free() it */
  size_t count, height, width;
  size_t in_file; /* how many the file holds */
} images;

IMAGES_API size_t images_big_endian(const unsigned char *b) {
  return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | (size_t)b[3];
}

/* Reads the first `limit` pictures (0: all) of an IDX file of unsigned bytes with three axes; a byte v becomes
   2 v/255 - 1. The length of the file is held against its header before anything is allocated.
   Returns 0, or 1 with what is wrong in message. */
IMAGES_API int images_read_idx(images *out, const char *path, size_t limit, char *message, size_t room) {
  unsigned char head[16], *row = NULL;
  size_t got, dim, i, d;
  long length;
  FILE *file = fopen(path, "rb");
  memset(out, 0, sizeof *out);
  if (!file) {
    snprintf(message, room, "%s: cannot be opened", path);
    return 1;
  }
  got = fread(head, 1, sizeof head, file);
  if (got >= 2 && head[0] == 0x1F && head[1] == 0x8B) {
    snprintf(message, room, "%s: compressed by gzip; unpack it first (gunzip)", path);
    goto fail;
  }
  if (got < 4 || head[0] || head[1]) {
    snprintf(message, room, "%s: not an IDX file (it should begin with two zero bytes)", path);
    goto fail;
  }
  if (head[2] != 8 || head[3] != 3) {
    snprintf(message, room, "%s: an IDX file of type %d with %d axes; it should hold bytes (type 8) and 3 axes%s",
             path, head[2], head[3], head[2] == 8 && head[3] == 1 ? " (these look like labels)" : "");
    goto fail;
  }
  if (got < sizeof head) {
    snprintf(message, room, "%s: ends within its header", path);
    goto fail;
  }
  out->in_file = images_big_endian(head + 4);
  out->height = images_big_endian(head + 8);
  out->width = images_big_endian(head + 12);
  if (!out->in_file || !out->height || !out->width || out->height > 65535 || out->width > 65535) {
    snprintf(message, room, "%s: says %lu pictures of %lu x %lu; each should be at least 1, a side at most 65535",
             path, (unsigned long)out->in_file, (unsigned long)out->height, (unsigned long)out->width);
    goto fail;
  }
  dim = out->height * out->width; /* below 2^32 */
  if (fseek(file, 0, SEEK_END) || (length = ftell(file)) < 0 || fseek(file, (long)sizeof head, SEEK_SET)) {
    snprintf(message, room, "%s: its length cannot be found", path);
    goto fail;
  }
  got = (size_t)length - sizeof head;
  if (got % dim || got / dim != out->in_file) {
    snprintf(message, room, "%s: says %lu pictures of %lu x %lu but holds %lu bytes of them", path,
             (unsigned long)out->in_file, (unsigned long)out->height, (unsigned long)out->width,
             (unsigned long)got);
    goto fail;
  }
  out->count = limit && limit < out->in_file ? limit : out->in_file;
  if (out->count <= SIZE_MAX / sizeof *out->pixels / dim)
    out->pixels = (hfy_real *)malloc(out->count * dim * sizeof *out->pixels);
  row = (unsigned char *)malloc(dim);
  if (!row || !out->pixels) {
    snprintf(message, room, "%s: no memory for %lu pictures of %lu x %lu", path, (unsigned long)out->count,
             (unsigned long)out->height, (unsigned long)out->width);
    goto fail;
  }
  for (i = 0; i < out->count; i++) {
    if (fread(row, 1, dim, file) != dim) {
      snprintf(message, room, "%s: could not be read to its end", path);
      goto fail;
    }
    for (d = 0; d < dim; d++) out->pixels[i * dim + d] = (hfy_real)(row[d] / 255.0 * 2 - 1);
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

/* ------------------------------------------------------------------------------------------------------------------
   the terminal: a character stands for `scale` x 2 scale pixels, so that pictures keep their shape
   ------------------------------------------------------------------------------------------------------------------ */

/* Mean of the pixels of a block as a brightness from 0 (lo) to 1 (hi). */
IMAGES_API double images_brightness(const hfy_real *picture, size_t height, size_t width, size_t y, size_t x,
                                    size_t scale, double lo, double hi) {
  double sum = 0, mean;
  size_t n = 0, i, j;
  for (i = y; i < y + scale && i < height; i++)
    for (j = x; j < x + scale && j < width; j++) sum += (double)picture[i * width + j], n++;
  mean = n && hi > lo ? (sum / (double)n - lo) / (hi - lo) : 0;
  return mean < 0 ? 0 : mean > 1 ? 1 : mean;
}

/* One character of a picture: half blocks where upper and lower pixel differ, else a shade (UTF-8), or ASCII. */
IMAGES_API const char *images_character(double upper, double lower, int ascii) {
  static const char *const plain[] = {" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"};
  static const char *const shade[] = {" ", "\xE2\x96\x91", "\xE2\x96\x92", "\xE2\x96\x93", "\xE2\x96\x88"};
  double mean = (upper + lower) / 2;
  if (ascii) return plain[(int)(mean * 9 + 0.5)];
  if (upper - lower > 0.5) return "\xE2\x96\x80";
  if (lower - upper > 0.5) return "\xE2\x96\x84";
  return shade[(int)(mean * 4 + 0.5)];
}

/* n pictures side by side, each in a column of `column` characters, at least as many as it is wide. */
IMAGES_API void images_print(const hfy_real *const *pictures, size_t n, size_t height, size_t width, size_t scale,
                         size_t column, double lo, double hi, int ascii) {
  size_t y, x, i, used, blanks;
  for (y = 0; y < height; y += 2 * scale) {
    for (i = 0, blanks = 2; i < n; i++, blanks += column - used)
      for (x = 0, used = 0; x < width; x += scale, used++) {
        double upper = images_brightness(pictures[i], height, width, y, x, scale, lo, hi);
        double lower = images_brightness(pictures[i], height, width, y + scale, x, scale, lo, hi);
        const char *character = images_character(upper, lower, ascii);
        if (*character == ' ') {
          blanks++; /* printed once something follows: no line ends in blanks */
          continue;
        }
        for (; blanks; blanks--) putchar(' ');
        fputs(character, stdout);
      }
    putchar('\n');
  }
}

/* ------------------------------------------------------------------------------------------------------------------
   the contact sheet: a grey canvas
   ------------------------------------------------------------------------------------------------------------------ */
typedef struct images_sheet {
  unsigned char *grey;
  size_t height, width;
} images_sheet;

IMAGES_API int images_sheet_open(images_sheet *sheet, size_t height, size_t width, int grey) {
  sheet->height = height, sheet->width = width;
  sheet->grey = width && height <= SIZE_MAX / width ? (unsigned char *)malloc(height * width) : NULL;
  if (sheet->grey) memset(sheet->grey, grey, height * width);
  return !sheet->grey;
}

/* The picture with its upper left corner at (top, left), every pixel `scale` x `scale`, lo black and hi white. What
   would stick out is left out. */
IMAGES_API void images_sheet_put(images_sheet *sheet, size_t top, size_t left, const hfy_real *picture, size_t height,
                             size_t width, size_t scale, double lo, double hi) {
  size_t y, x;
  for (y = 0; y < height * scale && top + y < sheet->height; y++)
    for (x = 0; x < width * scale && left + x < sheet->width; x++)
      sheet->grey[(top + y) * sheet->width + left + x] = (unsigned char)(
          255 * images_brightness(picture, height, width, y / scale, x / scale, 1, lo, hi) + 0.5);
}

/* Can the file be written? What it holds stays. Ask before long work: returns 0, or 1 if not. */
IMAGES_API int images_sheet_ask(const char *path) {
  FILE *file = fopen(path, "ab");
  return !file || fclose(file) != 0;
}

/* Bytes to the file and into the CRC-32 of the chunk that they are in. */
IMAGES_API void images_png_bytes(FILE *file, uint32_t *crc, const unsigned char *bytes, size_t count) {
  size_t i;
  int bit;
  fwrite(bytes, 1, count, file);
  for (i = 0; i < count; i++)
    for (*crc ^= bytes[i], bit = 0; bit < 8; bit++) *crc = *crc >> 1 ^ (*crc & 1 ? 0xEDB88320u : 0);
}

IMAGES_API void images_png_number(FILE *file, uint32_t *crc, size_t v) {
  unsigned char b[4];
  b[0] = v >> 24 & 255, b[1] = v >> 16 & 255, b[2] = v >> 8 & 255, b[3] = v & 255;
  images_png_bytes(file, crc, b, 4);
}

/* A chunk up to its bytes, and what follows them. */
IMAGES_API void images_png_begin(FILE *file, uint32_t *crc, const char *type, size_t length) {
  images_png_number(file, crc, length);
  *crc = 0xFFFFFFFF;
  images_png_bytes(file, crc, (const unsigned char *)type, 4);
}
IMAGES_API void images_png_end(FILE *file, uint32_t *crc) { images_png_number(file, crc, *crc ^ 0xFFFFFFFF); }

/* Writes it as PNG, 8 bits a pixel, one stored (not compressed) block of deflate a row: at most 65534 pixels wide.
   Returns 0, or 1 if it cannot be written. */
IMAGES_API int images_sheet_write(const images_sheet *sheet, const char *path) {
  static const unsigned char form[] = {8, 0, 0, 0, 0}, zlib[] = {0x78, 1}, filter = 0;
  const size_t row = sheet->width + 1; /* a filter byte first */
  size_t y, x, a = 1, b = 0;           /* Adler-32 */
  uint32_t crc = 0;
  int bad;
  FILE *file = row <= 65535 && sheet->height < 32767 ? fopen(path, "wb") : NULL;
  if (!file) return 1;
  images_png_bytes(file, &crc, (const unsigned char *)"\x89PNG\r\n\x1A\n", 8);
  images_png_begin(file, &crc, "IHDR", 13);
  images_png_number(file, &crc, sheet->width), images_png_number(file, &crc, sheet->height);
  images_png_bytes(file, &crc, form, sizeof form);
  images_png_end(file, &crc);
  images_png_begin(file, &crc, "IDAT", 2 + sheet->height * (5 + row) + 4);
  images_png_bytes(file, &crc, zlib, sizeof zlib);
  for (y = 0; y < sheet->height; y++) {
    const unsigned char *pixels = sheet->grey + y * sheet->width;
    unsigned char head[5];
    head[0] = y + 1 == sheet->height; /* the last block */
    head[1] = row & 255, head[2] = row >> 8 & 255, head[3] = head[1] ^ 255, head[4] = head[2] ^ 255;
    images_png_bytes(file, &crc, head, sizeof head);
    images_png_bytes(file, &crc, &filter, 1);
    images_png_bytes(file, &crc, pixels, sheet->width);
    for (b = (b + a) % 65521, x = 0; x < sheet->width; x++) a = (a + pixels[x]) % 65521, b = (b + a) % 65521;
  }
  images_png_number(file, &crc, b << 16 | a);
  images_png_end(file, &crc);
  images_png_begin(file, &crc, "IEND", 0);
  images_png_end(file, &crc);
  bad = ferror(file);
  bad |= fclose(file) != 0;
  return bad;
}

#endif
