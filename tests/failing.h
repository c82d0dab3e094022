/* failing.h: lets the tests make input and output fail where they want it; included before hfy.h. */
#include <stdio.h>

static long close_fails; /* after closing: what was buffered did not reach the disk */
static long reads_left = -1, writes_left = -1; /* that many more calls succeed; -1: all */
#define fread(to, size, count, file) (failing(&reads_left) ? fail_read(file) : (fread)(to, size, count, file))
#define fwrite(from, size, count, file) (failing(&writes_left) ? 0 : (fwrite)(from, size, count, file))
#define fclose(file) ((fclose)(file) || close_fails ? EOF : 0)
static int failing(long *left) { return *left >= 0 && (*left)-- == 0; }
static size_t fail_read(FILE *file) {
  (void)fputc(0, file); /* writing to a file open for reading sets its error flag */
  return 0;
}
