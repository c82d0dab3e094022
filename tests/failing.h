/* failing.h: lets the tests make input and output fail where they want it; included before hfy.h. */
#include <stdio.h>

static long read_failed, close_fails; /* after closing: what was buffered did not reach the disk */
static long reads_left = -1, writes_left = -1; /* that many more calls succeed; -1: all */
#define fread(to, size, count, file) (failing(&reads_left) ? fail_read(file) : (fread)(to, size, count, file))
#define fwrite(from, size, count, file) (failing(&writes_left) ? 0 : (fwrite)(from, size, count, file))
#define fclose(file) (read_failed = 0, (fclose)(file) || close_fails ? EOF : 0)
#define ferror(file) (read_failed || (ferror)(file))
#define clearerr(file) (read_failed = 0, (clearerr)(file))
static int failing(long *left) { return *left >= 0 && (*left)-- == 0; }
static size_t fail_read(FILE *file) {
  (void)file;
  read_failed = 1;
  return 0;
}
