/* mhn_error.c: MHN. How far softmax retrieval is from the pattern, against the pattern's separation, beside Theorem 5's
   bound; and how many random patterns are stored, against the dimension, beside Theorem 3's promise and HFY's
   Proposition 10.

   mhn_error [MNIST_DIRECTORY] [--out DIR] [--patterns 200] [--seed 1] [--draws 20] [--largest_dim 24]

   Writes DIR/error.csv (set, beta, separation, measured |x - x*|, Theorem 5's bound at the measured error, its closed
   form 2e(N-1)M e^(-beta Delta) where it holds) and DIR/stored.csv (dim, K, beta, patterns, share of draws in which all
   of them are stored as Lemma A5 asks, share in which all are retrieved within their spheres, Theorem 3's count). */
#define HFY_IMPLEMENTATION
#define HFY_DOUBLE
#include "../../hfy.h"
#include "reproduce.h"

static hfy_work work;

static void sphere(hfy_rng *rng, double *x, size_t count, size_t dim, double radius) {
  size_t i, d;
  for (i = 0; i < count; i++) {
    double square = 0;
    for (d = 0; d < dim; d++) {
      x[i * dim + d] = hfy_rng_normal(rng);
      square += x[i * dim + d] * x[i * dim + d];
    }
    for (d = 0; d < dim; d++) x[i * dim + d] *= radius / sqrt(square);
  }
}

static void errors(FILE *csv, const char *set, const double *keys, size_t count, size_t dim, double beta) {
  hfy_net net;
  hfy_theory_convergence c;
  size_t i, broken = 0, closed = 0;
  memset(&net, 0, sizeof net);
  net.dim = dim, net.count = count, net.keys = keys, net.beta = beta;
  for (i = 0; i < count; i++) {
    int small;
    check(hfy_theory_converges(&net, i, NULL, &c, &work), &work);
    small = c.error <= 1 / (2 * beta * c.largest);
    closed += (size_t)small;
    broken += c.error > c.error_bound * (1 + 1e-9) + 1e-12 || (small && c.error > c.error_closed * (1 + 1e-9) + 1e-12);
    fprintf(csv, "%s,%g,%.6g,%.6g,%.6g,", set, beta, c.separation, c.error, c.error_bound);
    if (small) fprintf(csv, "%.6g", c.error_closed);
    fprintf(csv, "\n");
  }
  printf("%-8s beta %-6g %lu patterns, closed form holds for %lu, bounds broken by %lu\n", set, beta,
         (unsigned long)count, (unsigned long)closed, (unsigned long)broken);
}

int main(int argc, char **argv) {
  const char *out = option(argc, argv, "out", ".");
  const size_t count = (size_t)number(argc, argv, "patterns", 200), draws = (size_t)number(argc, argv, "draws", 20);
  const size_t largest = (size_t)number(argc, argv, "largest_dim", 24);
  const uint64_t seed = (uint64_t)number(argc, argv, "seed", 1);
  static const double betas[3] = {0.25, 0.5, 1}, pixels[3] = {0.02, 0.05, 0.1};
  hfy_rng rng = hfy_rng_seed(seed);
  double *x = (double *)allocate(4096 * (largest > 784 ? largest : 784), sizeof *x);
  size_t b, i, d, t, N;
  FILE *csv = create(out, "error.csv");
  time_t start = time(NULL);
  if (count < 2 || count > 4096 || largest < 4) die("a size that makes no sense");
  fprintf(csv, "set,beta,separation,error,bound,closed\n");
  sphere(&rng, x, count, 16, 6);
  for (b = 0; b < 3; b++) errors(csv, "sphere", x, count, 16, betas[b]);
  if (argc > 1 && argv[1][0] != '-') {
    images all = pictures(argv[1], "train-images-idx3-ubyte", count);
    if (all.height * all.width > 784) die("pictures of more than 784 pixels");
    for (b = 0; b < 3; b++) errors(csv, "mnist", all.pixels, all.count, all.height * all.width, pixels[b]);
    free(all.pixels);
  }
  done(csv, "error.csv");
  csv = create(out, "stored.csv");
  fprintf(csv, "dim,k,beta,patterns,stored,retrieved,theorem3\n");
  for (d = 4; d <= largest; d += 4)
    for (N = 4; N <= 1024; N *= 2) {
      const double k = 3, radius = k * sqrt((double)d - 1);
      hfy_theory_sphere in;
      hfy_theory_softmax promise;
      size_t stored = 0, retrieved = 0;
      memset(&in, 0, sizeof in);
      in.dim = (double)d, in.radius = radius, in.beta = 1, in.failure = 0.001;
      check(hfy_theory_capacity_softmax(&in, &promise, &work), &work);
      for (t = 0; t < draws; t++) {
        hfy_net net;
        hfy_theory_separation what;
        double *delta = (double *)allocate(N, sizeof *delta), *q = (double *)allocate(N * d, sizeof *q), needed;
        int all_stored = 1, all_back = 1;
        sphere(&rng, x, N, d, radius);
        memset(&net, 0, sizeof net), memset(&what, 0, sizeof what);
        net.dim = d, net.count = N, net.keys = x, net.beta = 1, net.max_steps = 20;
        what.separation = delta;
        check(hfy_theory_separate(&net, &what, &work), &work);
        needed = 2 / (double)N + log(2 * (double)(N - 1) * (double)N * radius * radius);
        sphere(&rng, q, N, d, 1 / ((double)N * radius)); /* queries on the rims of the spheres of Lemma A5 */
        for (i = 0; i < N * d; i++) q[i] += x[i];
        check(hfy_retrieve(&net, q, N, q, NULL, &work), &work);
        for (i = 0; i < N; i++) {
          double far = 0;
          size_t e;
          for (e = 0; e < d; e++) far += pow(q[i * d + e] - x[i * d + e], 2);
          all_stored &= delta[i] >= needed;
          all_back &= sqrt(far) <= 1 / ((double)N * radius);
        }
        stored += (size_t)all_stored, retrieved += (size_t)all_back;
        free(delta), free(q);
      }
      fprintf(csv, "%lu,%g,1,%lu,%.3f,%.3f,%.6g\n", (unsigned long)d, k, (unsigned long)N,
              (double)stored / (double)draws, (double)retrieved / (double)draws, promise.holds ? promise.count : 0);
      if (N == 1024) progress("stored against dimension", d, largest / 4 * 4, start);
    }
  done(csv, "stored.csv");
  hfy_work_free(&work);
  free(x);
  return 0;
}
