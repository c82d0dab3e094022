/* attention.c: causal multi-head attention is one step of a memory with a readout.

   The keys of a head are the patterns, its values the readout; `visible` says how many tokens each query may look
   back on. Heads are columns of the same arrays, reached by strides. Softmax is checked against plain loops; then the
   same call with sparsemax shows how many tokens are left. Exit status 1 if the difference is more than rounding. */
#include "../hfy.h"

#include <stdio.h>

enum { TOKENS = 24, HEADS = 4, WIDTH = 16, ROW = HEADS * WIDTH }; /* a token's row: its heads side by side */

static hfy_real queries[TOKENS * ROW], keys[TOKENS * ROW], values[TOKENS * ROW], out[TOKENS * ROW];
static hfy_real weights[TOKENS * TOKENS]; /* of the first head */
static size_t visible[TOKENS];

/* What attention is, written out. */
static void plain_attention(double *result) {
  int h, t, s, d;
  for (h = 0; h < HEADS; h++)
    for (t = 0; t < TOKENS; t++) {
      double p[TOKENS], top = -HUGE_VAL, sum = 0;
      for (s = 0; s <= t; s++) {
        for (d = 0, p[s] = 0; d < WIDTH; d++)
          p[s] += (double)queries[t * ROW + h * WIDTH + d] * (double)keys[s * ROW + h * WIDTH + d];
        p[s] /= sqrt((double)WIDTH);
        if (p[s] > top) top = p[s];
      }
      for (s = 0; s <= t; s++) sum += p[s] = exp(p[s] - top);
      for (d = 0; d < WIDTH; d++) {
        double z = 0;
        for (s = 0; s <= t; s++) z += p[s] / sum * (double)values[s * ROW + h * WIDTH + d];
        result[t * ROW + h * WIDTH + d] = z;
      }
    }
}

/* The same with the memory; *support = tokens with a weight, on average over queries and heads. */
static hfy_status attention(hfy_sep_kind kind, double *support, hfy_work *work) {
  static hfy_real head_q[TOKENS * WIDTH], head_out[TOKENS * WIDTH]; /* queries and answers stand row after row */
  size_t used[TOKENS], h, t, d, total = 0;
  for (h = 0; h < HEADS; h++) {
    hfy_net net = {0};
    hfy_report report = {0};
    hfy_status status;
    net.dim = WIDTH, net.count = TOKENS;
    net.keys = keys + h * WIDTH, net.key_stride = ROW;
    net.readout = values + h * WIDTH, net.readout_dim = WIDTH, net.readout_stride = ROW;
    net.visible = visible;
    net.sep.kind = kind; /* beta is 0: 1/sqrt(dim) */
    report.support = used;
    if (!h) report.weights = weights;
    for (t = 0; t < TOKENS; t++)
      for (d = 0; d < WIDTH; d++) head_q[t * WIDTH + d] = queries[t * ROW + h * WIDTH + d];
    status = hfy_retrieve(&net, head_q, TOKENS, head_out, &report, work);
    if (status) return status;
    for (t = 0; t < TOKENS; t++) {
      for (d = 0; d < WIDTH; d++) out[t * ROW + h * WIDTH + d] = head_out[t * WIDTH + d];
      total += used[t];
    }
  }
  *support = (double)total / (TOKENS * HEADS);
  return HFY_OK;
}

static void print_weights(const char *name) {
  int t, s;
  printf("\n%s, head 0: who looks at whom (rows: queries)\n", name);
  for (t = 0; t < TOKENS; t++, putchar('\n'))
    for (s = 0; s <= t; s++) {
      double w = (double)weights[t * TOKENS + s];
      putchar(w > 0.5 ? '@' : w > 0.2 ? 'O' : w > 0.05 ? 'o' : w > 0 ? '.' : '-');
    }
}

int main(void) {
  static double plain[TOKENS * ROW];
  hfy_rng rng = hfy_rng_seed(7);
  hfy_work work = {0};
  hfy_status status;
  double support, worst = 0;
  int i;
  for (i = 0; i < TOKENS * ROW; i++) {
    queries[i] = (hfy_real)hfy_rng_normal(&rng);
    keys[i] = (hfy_real)hfy_rng_normal(&rng);
    values[i] = (hfy_real)hfy_rng_normal(&rng);
  }
  for (i = 0; i < TOKENS; i++) visible[i] = (size_t)i + 1; /* token i sees tokens 0 .. i */

  printf("%d tokens, %d heads of %d\n", TOKENS, HEADS, WIDTH);
  status = attention(HFY_SEP_SOFTMAX, &support, &work);
  if (!status) {
    plain_attention(plain);
    for (i = 0; i < TOKENS * ROW; i++)
      if (!(fabs((double)out[i] - plain[i]) <= worst)) worst = fabs((double)out[i] - plain[i]);
    printf("softmax:   largest difference to plain loops %.1e, %.1f tokens a query\n", worst, support);
    print_weights("softmax");
    status = attention(HFY_SEP_SPARSEMAX, &support, &work);
  }
  if (status) {
    fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message);
    return 1;
  }
  print_weights("sparsemax");
  printf("sparsemax: %.1f tokens a query\n", support);
  hfy_work_free(&work);
  return !(worst < (sizeof(hfy_real) == sizeof(float) ? 1e-5 : 1e-13));
}
