/* hetero.c: a memory that answers with something else than what it was asked with.

   1. a readout:      from the picture of a digit to its name, another space
   2. values:         from every digit to the picture of the next, so that steps count
   3. a linear post:  every recalled picture passes through a matrix, here the one that turns it upside down

   Exit status 1 if an answer is not exactly the right one. */
#include "../hfy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 10, HEIGHT = 7, WIDTH = 5, PIXELS = HEIGHT * WIDTH, LETTERS = 5 };

/* Row by row, all digits side by side. */
static const char *const drawn[HEIGHT] = {
  ".###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###.",
  "#...# .##.. #...# ...#. ..##. #.... .#... ....# #...# #...#",
  "#..## ..#.. ....# ..#.. .#.#. ####. #.... ...#. #...# #...#",
  "#.#.# ..#.. ...#. ...#. #..#. ....# ####. ..#.. .###. .####",
  "##..# ..#.. ..#.. ....# ##### ....# #...# .#... #...# ....#",
  "#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#.",
  ".###. .###. ##### .###. ...#. .###. .###. .#... .###. .##..",
};
static const char *const names[DIGITS] = {"zero", "one", "two",   "three", "four",
                                          "five", "six", "seven", "eight", "nine"};

static hfy_real pictures[(DIGITS + 1) * PIXELS]; /* the last row is 0 again: what comes after 9 */
static hfy_real spelled[DIGITS * LETTERS];       /* the names as letter codes */
static hfy_real upside_down[PIXELS * PIXELS];

static void print_pictures(const hfy_real *rows, int n) {
  int i, y, x;
  for (y = 0; y < HEIGHT; y++, putchar('\n'))
    for (i = 0; i < n; i++, fputs(i < n ? "  " : "", stdout))
      for (x = 0; x < WIDTH; x++) {
        double v = (double)rows[i * PIXELS + y * WIDTH + x];
        putchar(v > 0.5 ? '#' : v < -0.5 ? '.' : '?');
      }
}

static void stop_on(hfy_status status, const hfy_work *work) {
  if (!status) return;
  fprintf(stderr, "%s: %s\n", hfy_status_text(status), work->message);
  exit(1);
}

int main(void) {
  hfy_net net = {0}, reads, counts, turns;
  hfy_work work = {0};
  hfy_rng rng = hfy_rng_seed(3);
  hfy_real broken[DIGITS * PIXELS], text[DIGITS * LETTERS], out[DIGITS * PIXELS];
  int i, j, y, x, right = 0, counted = 0, turned = 0;

  for (i = 0; i <= DIGITS; i++)
    for (y = 0; y < HEIGHT; y++)
      for (x = 0; x < WIDTH; x++)
        pictures[i * PIXELS + y * WIDTH + x] = (hfy_real)(drawn[y][i % DIGITS * (WIDTH + 1) + x] == '#' ? 1 : -1);
  for (i = 0; i < DIGITS; i++)
    for (j = 0; names[i][j]; j++) spelled[i * LETTERS + j] = (hfy_real)names[i][j];
  for (y = 0; y < HEIGHT; y++)
    for (x = 0; x < WIDTH; x++)
      upside_down[(y * WIDTH + x) * PIXELS + (HEIGHT - 1 - y) * WIDTH + x] = 1;

  /* every digit with an eighth of its pixels lost */
  for (i = 0; i < DIGITS * PIXELS; i++) broken[i] = hfy_rng_uniform(&rng) < 0.125 ? (hfy_real)0 : pictures[i];
  net.dim = PIXELS, net.count = DIGITS, net.keys = pictures;
  net.beta = 1, net.sep.kind = HFY_SEP_SPARSEMAX;
  puts("asked with");
  print_pictures(broken, DIGITS);

  /* 1. p over the digits, read out in another space; p is one-hot, so the letters come out exactly */
  reads = net;
  reads.readout = spelled, reads.readout_dim = LETTERS;
  stop_on(hfy_retrieve(&reads, broken, DIGITS, text, NULL, &work), &work);
  printf("\nreadout:  ");
  for (i = 0; i < DIGITS; i++, putchar(i < DIGITS ? ' ' : '\n'))
    for (j = 0; j < LETTERS && text[i * LETTERS + j] > 0; j++) putchar((int)text[i * LETTERS + j]);
  for (i = 0; i < DIGITS * LETTERS; i++) right += (int)text[i] == (int)spelled[i];

  /* 2. values are the pictures one further on: each step goes to the next digit */
  counts = net;
  counts.values = pictures + PIXELS;
  printf("values:   from a broken 3 in 1 .. 5 steps\n");
  for (i = 0; i < 5; i++) {
    counts.max_steps = (size_t)i + 1;
    stop_on(hfy_retrieve(&counts, broken + 3 * PIXELS, 1, out + i * PIXELS, NULL, &work), &work);
    counted += !memcmp(out + i * PIXELS, pictures + (4 + i) * PIXELS, PIXELS * sizeof *out);
  }
  print_pictures(out, 5);

  /* 3. the post-transformation is a matrix: recall the digit, then turn it */
  turns = net;
  turns.post.kind = HFY_POST_LINEAR, turns.post.matrix = upside_down;
  stop_on(hfy_retrieve(&turns, broken, DIGITS, out, NULL, &work), &work);
  puts("linear:   recalled and turned upside down");
  print_pictures(out, DIGITS);
  for (i = 0; i < DIGITS; i++)
    for (y = 0; y < HEIGHT; y++) /* a row of the answer is the opposite row of the picture */
      turned += !memcmp(out + i * PIXELS + y * WIDTH, pictures + i * PIXELS + (HEIGHT - 1 - y) * WIDTH,
                        WIDTH * sizeof *out);

  printf("\nright: %d of %d letters, %d of 5 counts, %d of %d turned rows\n", right, DIGITS * LETTERS, counted,
         turned, DIGITS * HEIGHT);
  hfy_work_free(&work);
  return !(right == DIGITS * LETTERS && counted == 5 && turned == DIGITS * HEIGHT);
}
