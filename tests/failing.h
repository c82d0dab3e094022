/* failing.h: lets the tests make input and output fail where they want it; included before hfy.h. */
#include <stdio.h>

/* Is this what the file holds, with nothing left beside it? */
static int is_intact(const char *path, const void *bytes, size_t size) {
  char part[100];
  size_t at = 0;
  FILE *file = fopen(path, "rb");
  if (!file) return 0;
  while (at < size && fgetc(file) == ((const unsigned char *)bytes)[at]) at++;
  at += at == size && fgetc(file) == EOF;
  fclose(file);
  sprintf(part, "%.90s.part", path);
  file = fopen(part, "rb");
  if (file) fclose(file);
  return at == size + 1 && !file;
}

static long seek_fails, rename_fails; /* as on a pipe; as where someone holds the file */
#define fseek(file, offset, whence) (seek_fails ? -1 : (fseek)(file, offset, whence))
#define rename(from, to) (rename_fails ? -1 : (rename)(from, to))
static long read_failed, close_fails; /* after closing: what was buffered did not reach the disk */
static long reads_left = -1, writes_left = -1; /* that many more calls succeed; -1: all */
#define fread(to, size, count, file) (failing(&reads_left) ? fail_read(file) : (fread)(to, size, count, file))
#define fwrite(from, size, count, file) (failing(&writes_left) ? (fwrite)(from, size, (count) / 2, file) : (fwrite)(from, size, count, file))
#define fclose(file) (read_failed = 0, (fclose)(file) || close_fails ? EOF : 0)
#define ferror(file) (read_failed || (ferror)(file))
#define clearerr(file) (read_failed = 0, (clearerr)(file))
static int failing(long *left) { return *left >= 0 && (*left)-- == 0; }
static size_t fail_read(FILE *file) {
  (void)file;
  read_failed = 1;
  return 0;
}
