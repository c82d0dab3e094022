/* hfy_capacity.c: HFY Figures 11, 14 (success against the number of stored patterns) and 12 (against noise). Stored are
   random training pictures; a query is a stored picture with its lower half set to 0 (mid-grey), for Figure 12 with
   normal noise added first and cut to [-1, 1]; five updates; success is a cosine above 0.9 with the picture.

   hfy_capacity DIRECTORY [--out DIR] [--draws 5] [--largest 4096] [--noise_largest 15] [--masked 1] [--seed 1]
                [--exp_beta 0.05] [--limit 0]

   DIRECTORY holds MNIST or other pictures in IDX form, CIFAR-10's binary batches, or train.npy (reproduce.h; the
   first --limit pictures, 0: all). --exp_beta is 0.05 for pictures of up to 1,000 pixels and 0.01 for larger ones, as
   in the authors' code. Writes DIR/capacity.csv and DIR/noise.csv: median, quartiles, least and greatest over the
   draws. The tanh networks' separation of degree 10 is sign(theta)|theta|^10. "norm" has beta 20 whatever the panel
   says, as in the authors' code; "norm own" has the panel's. */
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include "reproduce.h"

enum { STEPS = 5 };

static const struct method {
  const char *name;
  hfy_sep_kind kind;
  double parameter;
  hfy_post_kind post;
  int figures; /* 1: Figures 11 and 12, both betas; 2: Figure 14, beta 1; 4: unit length at the panel's beta */
} methods[] = {{"classical", HFY_SEP_IDENTITY, 0, HFY_POST_TANH, 1},
               {"power 10", HFY_SEP_POWER, 11, HFY_POST_TANH, 1},
               {"exp", HFY_SEP_EXP, 0, HFY_POST_TANH, 1},
               {"softmax", HFY_SEP_SOFTMAX, 0, HFY_POST_NONE, 3},
               {"1.5-entmax", HFY_SEP_ENTMAX, 1.5, HFY_POST_NONE, 3},
               {"sparsemax", HFY_SEP_SPARSEMAX, 0, HFY_POST_NONE, 3},
               {"2-normmax", HFY_SEP_NORMMAX, 2, HFY_POST_NONE, 3},
               {"5-normmax", HFY_SEP_NORMMAX, 5, HFY_POST_NONE, 3},
               {"softmax norm", HFY_SEP_SOFTMAX, 0, HFY_POST_L2, 2},
               {"1.5-entmax norm", HFY_SEP_ENTMAX, 1.5, HFY_POST_L2, 2},
               {"sparsemax norm", HFY_SEP_SPARSEMAX, 0, HFY_POST_L2, 3},
               {"2-normmax norm", HFY_SEP_NORMMAX, 2, HFY_POST_L2, 2},
               {"5-normmax norm", HFY_SEP_NORMMAX, 5, HFY_POST_L2, 2},
               {"softmax norm own", HFY_SEP_SOFTMAX, 0, HFY_POST_L2, 6},
               {"1.5-entmax norm own", HFY_SEP_ENTMAX, 1.5, HFY_POST_L2, 6},
               {"sparsemax norm own", HFY_SEP_SPARSEMAX, 0, HFY_POST_L2, 6},
               {"2-normmax norm own", HFY_SEP_NORMMAX, 2, HFY_POST_L2, 6},
               {"5-normmax norm own", HFY_SEP_NORMMAX, 5, HFY_POST_L2, 6},
               {"softmax lnorm", HFY_SEP_SOFTMAX, 0, HFY_POST_LAYERNORM, 2},
               {"1.5-entmax lnorm", HFY_SEP_ENTMAX, 1.5, HFY_POST_LAYERNORM, 2},
               {"sparsemax lnorm", HFY_SEP_SPARSEMAX, 0, HFY_POST_LAYERNORM, 3},
               {"2-normmax lnorm", HFY_SEP_NORMMAX, 2, HFY_POST_LAYERNORM, 2},
               {"5-normmax lnorm", HFY_SEP_NORMMAX, 5, HFY_POST_LAYERNORM, 2}};
enum { METHODS = sizeof methods / sizeof *methods };

static hfy_work work;

static double cosine(const hfy_real *x, const hfy_real *y, size_t n) {
  double xy = 0, xx = 0, yy = 0;
  size_t d;
  for (d = 0; d < n; d++) {
    xy += (double)x[d] * (double)y[d];
    xx += (double)x[d] * (double)x[d];
    yy += (double)y[d] * (double)y[d];
  }
  return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

/* The share of the patterns that are retrieved. keys, queries: N rows, overwritten by what the post makes of them. */
static double success(const struct method *m, double beta, double exp_beta, hfy_real *keys, hfy_real *queries, size_t N,
                      size_t dim, hfy_real *out) {
  hfy_net net;
  size_t i, good = 0;
  memset(&net, 0, sizeof net);
  net.dim = dim, net.count = N, net.keys = keys, net.max_steps = STEPS;
  net.sep.kind = m->kind;
  net.sep.alpha = net.sep.gamma = net.sep.degree = m->parameter;
  net.post.kind = m->post;
  net.beta = beta;
  if (m->post == HFY_POST_TANH) { /* beta is that of the tanh */
    net.post.beta = beta;
    net.beta = m->kind == HFY_SEP_EXP ? exp_beta : 1;
  }
  if (m->post == HFY_POST_L2 || m->post == HFY_POST_LAYERNORM) {
    if (m->post == HFY_POST_L2 && !(m->figures & 4)) net.beta = 20;
    if (m->post == HFY_POST_LAYERNORM) net.post.eps = 1e-5;
    check(hfy_post_apply(&net.post, keys, NULL, N, dim, keys, &work), &work);
    check(hfy_post_apply(&net.post, queries, NULL, N, dim, queries, &work), &work);
  }
  check(hfy_retrieve(&net, queries, N, out, NULL, &work), &work);
  for (i = 0; i < N; i++) good += cosine(out + i * dim, keys + i * dim, dim) > 0.9;
  return (double)good / (double)N;
}

int main(int argc, char **argv) {
  const char *out = option(argc, argv, "out", ".");
  const size_t draws = (size_t)number(argc, argv, "draws", 5), largest = (size_t)number(argc, argv, "largest", 4096);
  const double noisiest = number(argc, argv, "noise_largest", 15);
  const int masked = number(argc, argv, "masked", 1) > 0;
  const uint64_t seed = (uint64_t)number(argc, argv, "seed", 1);
  static const double betas[2] = {1, 0.1};
  images all;
  size_t dim, N, i, d, draw_number, m, b, half, *chosen, jobs = 0, job = 0;
  hfy_real *keys, *queries, *k, *q, *state;
  double *rate, noise, exp_beta;
  FILE *capacity, *noisy;
  time_t start = time(NULL);
  if (argc < 2 || argv[1][0] == '-') die("usage: hfy_capacity DIRECTORY [--out DIR] [--draws 5] [--largest 4096]");
  all = pictures(argv[1], "train-images-idx3-ubyte", (size_t)number(argc, argv, "limit", 0));
  dim = all.height * all.width, half = (all.height - all.height / 2) * all.width;
  exp_beta = number(argc, argv, "exp_beta", dim > 1000 ? 0.01 : 0.05);
  if (largest > all.count || largest < 2 || !draws) die("--largest should be 2 to %lu", (unsigned long)all.count);
  N = largest > 100 ? largest : 100;
  keys = (hfy_real *)allocate(N * dim, sizeof *keys), queries = (hfy_real *)allocate(N * dim, sizeof *keys);
  k = (hfy_real *)allocate(N * dim, sizeof *keys), q = (hfy_real *)allocate(N * dim, sizeof *keys);
  state = (hfy_real *)allocate(N * dim, sizeof *keys);
  chosen = (size_t *)allocate(N, sizeof *chosen);
  rate = (double *)allocate(METHODS * 2 * draws, sizeof *rate);
  capacity = create(out, "capacity.csv"), noisy = create(out, "noise.csv");
  fprintf(capacity, "beta,method,stored,median,q25,q75,least,greatest\n");
  fprintf(noisy, "beta,method,noise,median,q25,q75,least,greatest\n");
  for (N = 2; N <= largest; N *= 2) jobs++;
  for (noise = 0; noise <= noisiest; noise += 2.5) jobs++;
  for (job = 0, N = 2, noise = 0; job < jobs; job++) {
    const int by_noise = N > largest;
    const size_t count = by_noise ? 100 : N;
    char what[60];
    for (draw_number = 0; draw_number < draws; draw_number++) {
      hfy_rng rng = hfy_rng_seed(seed + 1000 * draw_number + (by_noise ? 100000 : N));
      draw(&rng, all.count, count, chosen);
      for (i = 0; i < count; i++)
        for (d = 0; d < dim; d++) {
          double v = (double)all.pixels[chosen[i] * dim + d];
          keys[i * dim + d] = (hfy_real)v;
          if (by_noise) v += noise * hfy_rng_normal(&rng);
          v = v > 1 ? 1 : v < -1 ? -1 : v;
          queries[i * dim + d] = (hfy_real)(d >= half && (masked || !by_noise) ? 0 : v);
        }
      for (m = 0; m < METHODS; m++)
        for (b = 0; b < 2; b++) {
          double *slot = rate + (m * 2 + b) * draws + draw_number;
          if ((b || by_noise) && !(methods[m].figures & 1)) continue;
          memcpy(k, keys, count * dim * sizeof *k), memcpy(q, queries, count * dim * sizeof *q);
          *slot = success(methods + m, betas[b], exp_beta, k, q, count, dim, state);
        }
      snprintf(what, sizeof what, by_noise ? "noise %g, draw %lu" : "stored %.0f, draw %lu",
               by_noise ? noise : (double)N, (unsigned long)draw_number + 1);
      progress(what, job * draws + draw_number + 1, jobs * draws, start);
    }
    for (m = 0; m < METHODS; m++)
      for (b = 0; b < 2; b++) {
        double *r = rate + (m * 2 + b) * draws, q25, q50, q75;
        if ((b || by_noise) && !(methods[m].figures & 1)) continue;
        q25 = quantile(r, draws, 0.25), q50 = quantile(r, draws, 0.5), q75 = quantile(r, draws, 0.75);
        fprintf(by_noise ? noisy : capacity, "%g,%s,%g,%.4f,%.4f,%.4f,%.4f,%.4f\n", betas[b], methods[m].name,
                by_noise ? noise : (double)N, q50, q25, q75, r[0], r[draws - 1]); /* quantile() sorts */
      }
    if (by_noise) noise += 2.5;
    if (!by_noise) N *= 2;
  }
  done(capacity, "capacity.csv"), done(noisy, "noise.csv");
  hfy_work_free(&work);
  free(keys), free(queries), free(k), free(q), free(state), free(chosen), free(rate), free(all.pixels);
  return 0;
}
