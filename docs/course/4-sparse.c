/* 4-sparse.c: weights and losses of four separations on two scores, and the radius of exact retrieval, tested. */
#include "../../hfy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { D = 16, N = 50, KINDS = 4 };
static const hfy_sep seps[KINDS] = {{.kind = HFY_SEP_SOFTMAX}, {.kind = HFY_SEP_ENTMAX, .alpha = 1.5},
                                    {.kind = HFY_SEP_SPARSEMAX}, {.kind = HFY_SEP_NORMMAX, .gamma = 2}};
static const char *const names[KINDS] = {"softmax", "1.5-entmax", "sparsemax", "2-normmax"};
static hfy_real x[N * D];
static double radius[N];
static size_t rival[N];

static void must(hfy_status status) { if (status) exit(fprintf(stderr, "%s\n", hfy_status_text(status))); }

/* How many patterns come back to the bit from `part` of their radius, towards their rival. */
static int exact(const hfy_net *net, double part) {
  int good = 0;
  for (int i = 0; i < N; i++) {
    const hfy_real *own = x + i * D, *other = x + rival[i] * D;
    hfy_real q[D], out[D];
    double square = 0;
    for (int d = 0; d < D; d++) square += pow((double)(other[d] - own[d]), 2);
    for (int d = 0; d < D; d++)
      q[d] = (hfy_real)((double)own[d] + part * radius[i] / sqrt(square) * (double)(other[d] - own[d]));
    must(hfy_retrieve(net, q, 1, out, NULL, NULL));
    good += !memcmp(out, own, sizeof out);
  }
  return good;
}

int main(void) {
  hfy_rng rng = hfy_rng_seed(1);
  puts("#   s   weight of the first of (s, 0): 4 kinds      loss towards (1, 0): the same 4");
  for (double s = -1; s < 2.8; s += 0.25, puts("")) {
    const hfy_real theta[2] = {(hfy_real)s, 0}, target[2] = {1, 0};
    hfy_real y[2];
    double loss;
    printf("%5.2f", s);
    for (int k = 0; k < KINDS; k++) must(hfy_sep_apply(seps + k, theta, 1, 2, y, NULL)), printf("%9.4f", (double)y[0]);
    for (int k = 0; k < KINDS; k++)
      must(hfy_sep_loss(seps + k, theta, target, 1, 2, &loss, NULL)), printf("%9.4f", loss);
  }
  for (int i = 0; i < N * D; i++) x[i] = (hfy_real)hfy_rng_normal(&rng);
  must(hfy_post_apply(&(hfy_post){.kind = HFY_POST_L2, .radius = 4}, x, NULL, N, D, x, NULL)); /* all of length 4 */
  puts("\n             margin  stationary  least radius  exact at 0.99 r  at 1.01 r");
  for (int k = 1; k < KINDS; k++) {
    const hfy_net net = {.dim = D, .count = N, .keys = x, .beta = 1, .sep = seps[k]};
    unsigned char stationary[N];
    const hfy_theory_separation told = {.rival = rival, .stationary = stationary, .radius = radius};
    int stand = 0, least = 0;
    must(hfy_theory_separate(&net, &told, NULL));
    for (int i = 0; i < N; i++) stand += stationary[i], least = radius[i] < radius[least] ? i : least;
    printf("%-11s %7.0f %11d %13.2f %16d %10d\n", names[k], hfy_sep_margin(seps + k), stand, radius[least],
           exact(&net, 0.99), exact(&net, 1.01));
  }
  return 0;
}
