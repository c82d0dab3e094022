/* hfy_exact.c: HFY Propositions 9 and 10 and Theorem 5's terms on pictures: how many of N stored pictures are stationary,
   how far from one a query may be and surely come back to it in one step, beside what the network does.

   hfy_exact IDX_DIRECTORY [--out DIR] [--stored 1000] [--seed 1]

   Queries lie at 0.999, 1.001 and 1.5 times the exact radius towards the nearest face (answered, not, not), and at
   0.999 times it in a random direction. Writes DIR/exact.csv: method, beta, pattern, separation, radius, Prop. 9.3's
   bound, and whether each of the four came back to the bit. */
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include "reproduce.h"

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    hfy_sep_kind kind;
    double parameter;
  } methods[] = {{"1.5-entmax", HFY_SEP_ENTMAX, 1.5}, {"sparsemax", HFY_SEP_SPARSEMAX, 0}, {"2-normmax", HFY_SEP_NORMMAX, 2}};
  static const double betas[3] = {0.01, 0.1, 1};
  const char *out = option(argc, argv, "out", ".");
  const size_t N = (size_t)number(argc, argv, "stored", 1000);
  hfy_rng rng = hfy_rng_seed((uint64_t)number(argc, argv, "seed", 1));
  hfy_work work = {0};
  images all;
  size_t dim, m, b, i, d, t;
  double *separation, *radius, *bound;
  unsigned char *stationary;
  size_t *rival;
  hfy_real *queries, *back;
  FILE *csv;
  if (argc < 2 || argv[1][0] == '-') die("usage: hfy_exact IDX_DIRECTORY [--out DIR] [--stored 1000]");
  all = pictures(argv[1], "train-images-idx3-ubyte", N);
  if (all.count < 2) die("--stored should be at least 2");
  dim = all.height * all.width;
  separation = (double *)allocate(all.count, sizeof *separation), radius = (double *)allocate(all.count, sizeof *radius);
  bound = (double *)allocate(all.count, sizeof *bound), stationary = (unsigned char *)allocate(all.count, 1);
  rival = (size_t *)allocate(all.count, sizeof *rival);
  queries = (hfy_real *)allocate(4 * dim, sizeof *queries), back = (hfy_real *)allocate(4 * dim, sizeof *back);
  csv = create(out, "exact.csv");
  fprintf(csv, "method,beta,pattern,separation,radius,bound,inside,outside,far,random\n");
  for (m = 0; m < sizeof methods / sizeof *methods; m++)
    for (b = 0; b < 3; b++) {
      hfy_net net;
      hfy_theory_separation what;
      size_t still = 0, asked = 0, came[4] = {0, 0, 0, 0};
      double margin, smallest = HUGE_VAL, mean = 0, mean_bound = 0;
      memset(&net, 0, sizeof net), memset(&what, 0, sizeof what);
      net.dim = dim, net.count = all.count, net.keys = all.pixels, net.beta = betas[b];
      net.sep.kind = methods[m].kind, net.sep.alpha = net.sep.gamma = methods[m].parameter;
      margin = hfy_sep_margin(&net.sep) / net.beta;
      what.separation = separation, what.radius = radius, what.radius_bound = bound;
      what.stationary = stationary, what.rival = rival;
      check(hfy_theory_separate(&net, &what, &work), &work);
      for (i = 0; i < all.count; i++) {
        const hfy_real *x = all.pixels + i * dim, *y = x;
        static const double factor[3] = {0.999, 1.001, 1.5};
        double apart, least = HUGE_VAL, size = 0, direction[4096];
        int same[4];
        size_t j;
        still += stationary[i];
        if (!stationary[i] || radius[i] < 0.01 || dim > 4096) continue;
        for (j = 0; j < all.count; j++) { /* the nearest face */
          double square = 0, dot = 0;
          if (j == i) continue;
          for (d = 0; d < dim; d++) {
            double gap = (double)x[d] - (double)all.pixels[j * dim + d];
            square += gap * gap, dot += (double)x[d] * gap;
          }
          if ((dot - margin) / sqrt(square) < least) least = (dot - margin) / sqrt(square), y = all.pixels + j * dim;
        }
        for (d = 0, apart = 0; d < dim; d++) apart += pow((double)x[d] - (double)y[d], 2);
        for (d = 0; d < dim; d++) {
          direction[d] = hfy_rng_normal(&rng);
          size += direction[d] * direction[d];
          for (t = 0; t < 3; t++)
            queries[t * dim + d] =
                (hfy_real)((double)x[d] + factor[t] * radius[i] * ((double)y[d] - (double)x[d]) / sqrt(apart));
        }
        for (d = 0; d < dim; d++) queries[3 * dim + d] = (hfy_real)((double)x[d] + 0.999 * radius[i] * direction[d] / sqrt(size));
        check(hfy_retrieve(&net, queries, 4, back, NULL, &work), &work);
        for (t = 0; t < 4; t++) came[t] += (size_t)(same[t] = !memcmp(back + t * dim, x, dim * sizeof *x));
        asked++, mean += radius[i], mean_bound += bound[i];
        if (radius[i] < smallest) smallest = radius[i];
        fprintf(csv, "%s,%g,%lu,%.6g,%.6g,%.6g,%d,%d,%d,%d\n", methods[m].name, betas[b], (unsigned long)i,
                separation[i], radius[i], bound[i], same[0], same[1], same[2], same[3]);
      }
      printf("%-10s beta %-5g stationary %4lu of %lu; radius mean %.3f least %.3f, Prop. 9.3 mean %.3f; of %lu came back: "
             "within %lu, random within %lu, 1.001 radii %lu, 1.5 radii %lu\n",
             methods[m].name, betas[b], (unsigned long)still, (unsigned long)all.count, asked ? mean / (double)asked : 0,
             asked ? smallest : 0, asked ? mean_bound / (double)asked : 0, (unsigned long)asked, (unsigned long)came[0],
             (unsigned long)came[3], (unsigned long)came[1], (unsigned long)came[2]);
      progress(methods[m].name, m * 3 + b + 1, 9, time(NULL));
    }
  done(csv, "exact.csv");
  hfy_work_free(&work);
  free(separation), free(radius), free(bound), free(stationary), free(rival), free(queries), free(back), free(all.pixels);
  return 0;
}
