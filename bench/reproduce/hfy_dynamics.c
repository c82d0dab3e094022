/* hfy_dynamics.c: HFY Figures 8 (no post-transformation), 9 (unit length) and 10 (layer norm): contours of the energy,
   the trajectory of a query and basins of attraction of patterns in the plane, for every Omega and Psi. Needs no data.

   hfy_dynamics [--out DIR] [--points 100] [--basin_beta 10] [--random 20] [--seed 1]

   The patterns are the authors': sets 0, 3, 8 and 9 of their ten, and with each its query (below). They are made unit
   length; for the layer norm the third coordinate is -x - y, and they are layer-normed (unbiased, eps 1e-8). Contours
   and trajectory at beta 1: at every point of the grid the energy (HFY eq. 20), which is infinite outside the post's
   domain; the query q starts from X^T softmax(X q) and takes 1,000 updates. Basins at --basin_beta: which pattern 50
   updates lead to (within 1e-3, softmax 1e-2), 0 for none. Writes DIR/dynamics_grid.csv (set, psi, omega, x, y,
   energy, basin), DIR/dynamics_walk.csv (set, psi, omega, step, x, y), DIR/dynamics_patterns.csv (set, psi, pattern,
   x, y) and DIR/dynamics_share.csv (set, psi, omega, beta, the share of the grid that reaches one pattern, the share
   of each), at beta 10 as the paper's text says and 4 as the authors' code has it; set "random": the first share's
   median, quartiles, least and greatest over --random sets of five normal patterns. */
#define HFY_IMPLEMENTATION
#define HFY_DOUBLE
#include "../../hfy.h"
#include "reproduce.h"

enum { MOST = 5, UPDATES = 1000, SHOWN = 40 };

typedef struct set {
  int number;
  size_t count;
  double pattern[MOST][2], query[2];
} set;

/* Set 0 stands in the authors' code. The others are what torch.manual_seed(42) gives when, for each of ten sets, five
   patterns and then a query are drawn by torch.randn in float64. */
static const set published[] = {{0, 3, {{-1, -1}, {-1, 1}, {1, -1}}, {0, 0}},
                                {3,
                                 5,
                                 {{0.149779707762954, -0.20889391999870743},
                                  {-0.3870209466704155, 0.9912377875122558},
                                  {0.4679030501729072, -0.20493191012544776},
                                  {-0.7409071350000439, 0.3618396379853795},
                                  {1.9198992741531207, -0.22538756319529962}},
                                 {-0.3416974768405796, 0.3040127519535435}},
                                {8,
                                 5,
                                 {{-1.2753023640826624, -0.475751750065748},
                                  {2.38394444612717, 0.9157298972166351},
                                  {-0.6429603128521716, 0.7113185239839311},
                                  {0.3999778377794059, -1.2039215205974934},
                                  {-0.4197524253898019, -1.1928907140131688}},
                                 {-0.9350629389044554, 0.21380278224795793}},
                                {9,
                                 5,
                                 {{-1.2842116387710536, -0.6916777112985286},
                                  {-0.5359472373222023, 0.33552202762709427},
                                  {0.24693661243179116, 0.03243076399358262},
                                  {0.4056879925570111, 1.618118407109991},
                                  {0.3931549005829132, -0.21477955554227549}},
                                 {1.2651191543239981, -0.31780684706452267}}};
static const struct {
  const char *name;
  hfy_sep_kind kind;
  double parameter;
} omegas[] = {{"softmax", HFY_SEP_SOFTMAX, 0},
              {"1.5-entmax", HFY_SEP_ENTMAX, 1.5},
              {"sparsemax", HFY_SEP_SPARSEMAX, 0},
              {"2-normmax", HFY_SEP_NORMMAX, 2},
              {"5-normmax", HFY_SEP_NORMMAX, 5}};
static const struct {
  const char *name;
  hfy_post_kind kind;
} psis[] = {{"identity", HFY_POST_NONE}, {"norm", HFY_POST_L2}, {"lnorm", HFY_POST_LAYERNORM}};
enum { SETS = sizeof published / sizeof *published, OMEGAS = sizeof omegas / sizeof *omegas };
enum { PSIS = sizeof psis / sizeof *psis };

static hfy_work work;
static size_t points, total, *basin;
static double *grid, *end;

/* a point of the plane as a state */
static void lift(const double *xy, size_t dim, double *q) {
  q[0] = xy[0], q[1] = xy[1];
  if (dim == 3) q[2] = -xy[0] - xy[1];
}

/* The network of a set under a post, keys in `keys`, and the grid around them: their box and 0.1 on each side. */
static hfy_net prepare(const set *s, size_t p, double *keys) {
  double low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};
  hfy_net net;
  size_t i, j, d;
  memset(&net, 0, sizeof net);
  net.dim = psis[p].kind == HFY_POST_LAYERNORM ? 3 : 2, net.count = s->count, net.keys = keys;
  net.post.kind = psis[p].kind;
  if (net.dim == 3) net.post.dof_minus = 1, net.post.eps = 1e-8;
  for (i = 0; i < s->count; i++) {
    double unit[2], norm = sqrt(s->pattern[i][0] * s->pattern[i][0] + s->pattern[i][1] * s->pattern[i][1]);
    for (d = 0; d < 2; d++) unit[d] = s->pattern[i][d] / norm;
    lift(unit, net.dim, keys + i * net.dim);
  }
  check(hfy_post_apply(&net.post, keys, NULL, s->count, net.dim, keys, &work), &work);
  for (i = 0; i < s->count; i++)
    for (d = 0; d < 2; d++) {
      if (keys[i * net.dim + d] < low[d]) low[d] = keys[i * net.dim + d];
      if (keys[i * net.dim + d] > high[d]) high[d] = keys[i * net.dim + d];
    }
  for (j = 0; j < points; j++)
    for (i = 0; i < points; i++) {
      double xy[2], f = (double)i / (double)(points - 1), g = (double)j / (double)(points - 1);
      xy[0] = low[0] - 0.1 + f * (high[0] - low[0] + 0.2), xy[1] = low[1] - 0.1 + g * (high[1] - low[1] + 0.2);
      lift(xy, net.dim, grid + (j * points + i) * net.dim);
    }
  return net;
}

static void choose(hfy_net *net, size_t w) {
  net->sep.kind = omegas[w].kind, net->sep.alpha = net->sep.gamma = omegas[w].parameter;
}

/* Where 50 updates from each point of the grid lead: basin[] 0, or 1 + the pattern; share[] likewise, of the grid.
   Returns the share that reaches one pattern. */
static double basins(hfy_net net, double beta, double *share) {
  const double within = net.sep.kind == HFY_SEP_SOFTMAX ? 1e-2 : 1e-3;
  size_t count[MOST + 1] = {0}, i, j, d;
  net.beta = beta, net.max_steps = 50;
  check(hfy_retrieve(&net, grid, total, end, NULL, &work), &work);
  for (i = 0; i < total; i++) {
    double nearest = within, distance;
    for (j = 0, basin[i] = 0; j < net.count; j++) {
      for (d = 0, distance = 0; d < net.dim; d++)
        distance += pow(end[i * net.dim + d] - net.keys[j * net.dim + d], 2);
      if (sqrt(distance) < nearest) nearest = sqrt(distance), basin[i] = j + 1;
    }
    count[basin[i]]++;
  }
  for (j = 0; j <= MOST; j++) share[j] = (double)count[j] / (double)total;
  return 1 - share[0];
}

/* The way of a query at beta 1. */
static void walk(FILE *walks, hfy_net net, const set *s, const char *psi, const char *omega) {
  double q[3], at[3];
  hfy_net cue = net;
  size_t step;
  lift(s->query, net.dim, q);
  cue.beta = 1, cue.max_steps = 1;
  memset(&cue.sep, 0, sizeof cue.sep), memset(&cue.post, 0, sizeof cue.post); /* softmax, no post */
  check(hfy_retrieve(&cue, q, 1, at, NULL, &work), &work);
  net.beta = 1, net.max_steps = 1;
  for (step = 0; step <= UPDATES; step++) {
    if (step <= SHOWN || step == UPDATES)
      fprintf(walks, "%d,%s,%s,%lu,%.6f,%.6f\n", s->number, psi, omega, (unsigned long)step, at[0], at[1]);
    check(hfy_retrieve(&net, at, 1, at, NULL, &work), &work);
  }
}

int main(int argc, char **argv) {
  const char *out = option(argc, argv, "out", ".");
  const double shown_beta = number(argc, argv, "basin_beta", 10);
  const size_t draws = (size_t)number(argc, argv, "random", 20);
  static const double betas[] = {10, 4};
  hfy_rng rng = hfy_rng_seed((uint64_t)number(argc, argv, "seed", 1));
  double keys[MOST * 3], share[MOST + 1], reached, constant = 0, *energy, *random;
  size_t n, p, w, b, i;
  FILE *grids = create(out, "dynamics_grid.csv"), *walks = create(out, "dynamics_walk.csv");
  FILE *patterns = create(out, "dynamics_patterns.csv"), *shares = create(out, "dynamics_share.csv");
  time_t start = time(NULL);
  points = (size_t)number(argc, argv, "points", 100), total = points * points;
  if (points < 2) die("--points should be at least 2");
  grid = (double *)allocate(total * 3, sizeof *grid), energy = (double *)allocate(total, sizeof *energy);
  end = (double *)allocate(total * 3, sizeof *end), basin = (size_t *)allocate(total, sizeof *basin);
  random = (double *)allocate(PSIS * OMEGAS * 2 * (draws + 1), sizeof *random);
  fprintf(grids, "set,psi,omega,x,y,energy,basin\n"), fprintf(walks, "set,psi,omega,step,x,y\n");
  fprintf(patterns, "set,psi,pattern,x,y\n"), fprintf(shares, "set,psi,omega,beta,one,none,x1,x2,x3,x4,x5\n");
  for (n = 0; n < SETS; n++)
    for (p = 0; p < PSIS; p++) {
      const set *s = published + n;
      hfy_net net = prepare(s, p, keys);
      for (i = 0; i < s->count; i++)
        fprintf(patterns, "%d,%s,%lu,%.6g,%.6g\n", s->number, psis[p].name, (unsigned long)i + 1,
                keys[i * net.dim], keys[i * net.dim + 1]);
      for (w = 0; w < OMEGAS; w++) {
        choose(&net, w);
        for (b = 0; b < 2; b++) {
          reached = basins(net, betas[b], share);
          fprintf(shares, "%d,%s,%s,%g,%.4f", s->number, psis[p].name, omegas[w].name, betas[b], reached);
          for (i = 0; i <= MOST; i++) fprintf(shares, ",%.4f", share[i]);
          fprintf(shares, "\n");
        }
        basins(net, shown_beta, share);
        net.beta = 1;
        check(hfy_energy(&net, grid, total, energy, &work), &work);
        check(hfy_energy_constant(&net, HFY_ENERGY_PAPER, &constant, &work), &work);
        for (i = 0; i < total; i++) {
          fprintf(grids, "%d,%s,%s,%.4f,%.4f,", s->number, psis[p].name, omegas[w].name, grid[i * net.dim],
                  grid[i * net.dim + 1]);
          if (fabs(energy[i]) < HUGE_VAL) fprintf(grids, "%.5g", energy[i] + constant);
          fprintf(grids, ",%lu\n", (unsigned long)basin[i]);
        }
        walk(walks, net, s, psis[p].name, omegas[w].name);
      }
      progress(psis[p].name, n * PSIS + p + 1, SETS * PSIS, start);
    }
  for (n = 0; n < draws; n++) {
    set s;
    memset(&s, 0, sizeof s);
    s.count = MOST;
    for (i = 0; i < MOST; i++) s.pattern[i][0] = hfy_rng_normal(&rng), s.pattern[i][1] = hfy_rng_normal(&rng);
    for (p = 0; p < PSIS; p++) {
      hfy_net net = prepare(&s, p, keys);
      for (w = 0; w < OMEGAS; w++) {
        choose(&net, w);
        for (b = 0; b < 2; b++) random[((p * OMEGAS + w) * 2 + b) * draws + n] = basins(net, betas[b], share);
      }
    }
    progress("random sets", n + 1, draws, start);
  }
  for (p = 0; draws && p < PSIS; p++)
    for (w = 0; w < OMEGAS; w++)
      for (b = 0; b < 2; b++) {
        double *r = random + ((p * OMEGAS + w) * 2 + b) * draws;
        fprintf(shares, "random,%s,%s,%g", psis[p].name, omegas[w].name, betas[b]);
        fprintf(shares, ",%.4f,%.4f,%.4f", quantile(r, draws, 0.5), quantile(r, draws, 0.25),
                quantile(r, draws, 0.75)); /* sorts */
        fprintf(shares, ",%.4f,%.4f,,\n", r[0], r[draws - 1]);
      }
  done(grids, "dynamics_grid.csv"), done(walks, "dynamics_walk.csv");
  done(patterns, "dynamics_patterns.csv"), done(shares, "dynamics_share.csv");
  hfy_work_free(&work);
  free(grid), free(energy), free(end), free(basin), free(random);
  return 0;
}
