/* hello.c: stores three letters, breaks one, gets it back.      cc hello.c -o hello -lm && ./hello */
#define HFY_STATIC   /* this file alone uses it: only what it calls is compiled */
#define HFY_ONLY_NET /* and of that no index and no structures */
#define HFY_IMPLEMENTATION
#include "../hfy.h"
#include <stdio.h>

int main(void) {
  const char *letters = "#...#" "#...#" "#####" "#...#" "#...#"    /* H */
                        "#####" "#...." "####." "#...." "#...."    /* F */
                        "#...#" ".#.#." "..#.." "..#.." "..#..";   /* Y */
  const char *broken  = "#.###" "#.#.." "?????" "?????" "?????";   /* which one was it? */
  hfy_real keys[3 * 25], query[25], answer[25];
  hfy_net net = {0};
  hfy_status status;
  int i;
  for (i = 0; i < 75; i++) keys[i] = (hfy_real)(letters[i] == '#' ? 1 : -1);
  for (i = 0; i < 25; i++) query[i] = (hfy_real)(broken[i] == '#' ? 1 : broken[i] == '.' ? -1 : 0);
  net.dim = 25, net.count = 3, net.keys = keys;
  net.beta = 1, net.sep.kind = HFY_SEP_SPARSEMAX;
  status = hfy_retrieve(&net, query, 1, answer, NULL, NULL);
  if (status) return puts(hfy_status_text(status)), 1;
  for (i = 0; i < 25; i++) {
    putchar(answer[i] > 0 ? '#' : '.');
    if (i % 5 == 4) putchar('\n');
  }
  return 0;
}
