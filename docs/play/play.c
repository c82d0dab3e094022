/* play.c: what the page asks of hfy.h, for WebAssembly. No heap and no imports: JavaScript writes into the arrays below
   (play_array tells where they are), sets the numbers of play_settings, and calls. Two memories: 0 digits, 1 points of
   the plane. Compiled natively (check.c) it answers the same bits. */
#define HFY_STATIC
#define HFY_IMPLEMENTATION
#define HFY_ONLY_NET
#define HFY_NO_STDIO
#define HFY_NO_SIMD                   /* plain C kernels, which clang turns into SIMD128 by itself */
#define HFY_MALLOC(bytes) ((void *)0) /* scratch is the array below */
#define HFY_FREE(pointer) ((void)(pointer))
#include "../../hfy.h"
#include <string.h>

enum { DIGITS = 2000, PIXELS = 784, SPOTS = 16, POINTS = 40000, SCRATCH = 12 << 20 };

static hfy_real digits[DIGITS * PIXELS], spots[SPOTS * 2], query[PIXELS], scores[DIGITS], weights[DIGITS];
static hfy_real projection[PIXELS], next[PIXELS], points[POINTS * 2], point_weights[POINTS * SPOTS];
static double energies[POINTS];
static double scratch[SCRATCH / sizeof(double)];
static hfy_work work;

/* What JavaScript sets. Members that a separation does not use are ignored, as in hfy.h. */
enum { MEMORY, COUNT, SIM, BETA, SEP, ALPHA, GAMMA, K, DEGREE, POST, STEP, SETTINGS };
static double settings[SETTINGS];
/* What play_step tells. Energies are NaN where this net has none. */
enum { ENERGY, ENERGY_NEXT, BEST, SUPPORT, RESIDUAL, MARGIN, NUMBERS };
static double numbers[NUMBERS];

static hfy_net the_net(void) {
  hfy_net net;
  memset(&net, 0, sizeof net);
  net.dim = settings[MEMORY] > 0 ? 2 : PIXELS;
  net.count = (size_t)settings[COUNT];
  net.keys = settings[MEMORY] > 0 ? spots : digits;
  net.sim = (hfy_sim)(int)settings[SIM];
  net.beta = settings[BETA];
  net.sep.kind = (hfy_sep_kind)(int)settings[SEP];
  net.sep.alpha = settings[ALPHA];
  net.sep.gamma = settings[GAMMA];
  net.sep.k = settings[K];
  net.sep.degree = settings[DEGREE];
  net.post.kind = (hfy_post_kind)(int)settings[POST];
  net.post.radius = settings[MEMORY] > 0 ? 1 : 28; /* 28: as long as a picture of 784 pixels of +1 and -1 */
  net.step = settings[STEP];
  work.buffer = scratch;
  work.capacity = sizeof scratch;
  return net;
}

static double not_a_number(void) {
  return (double)NAN;
}

/* Where an array is: the names of play.js, in this order. */
void *play_array(int which) {
  void *const arrays[] = {settings, numbers, digits, spots, query, scores, weights, projection, next, points,
                          point_weights, energies, work.message};
  return arrays[which];
}

/* One step from `query`: its scores, the weights, the projection, the next state, and numbers. Returns a hfy_status. */
int play_step(void) {
  hfy_net net = the_net(), plain = net;
  hfy_report report;
  hfy_status status;
  double energy[2];
  size_t best, support;
  memset(&report, 0, sizeof report);
  report.best = &best;
  report.support = &support;
  report.residual = &numbers[RESIDUAL];
  report.weights = weights;
  report.energy = net.sim == HFY_SIM_DOT ? energy : NULL;
  energy[0] = energy[1] = not_a_number();
  plain.post.kind = HFY_POST_NONE;
  plain.step = 1;
  status = hfy_sim_scores(net.sim, net.beta, net.keys, net.count, net.dim, 0, query, 1, scores, &work);
  if (!status) status = hfy_retrieve(&net, query, 1, next, &report, &work);
  if (status) return (int)status;
  if (net.post.kind == HFY_POST_NONE && !(net.step < 1))
    memcpy(projection, next, net.dim * sizeof *next);
  else
    status = hfy_retrieve(&plain, query, 1, projection, NULL, &work);
  numbers[ENERGY] = energy[0];
  numbers[ENERGY_NEXT] = energy[1];
  numbers[BEST] = (double)best;
  numbers[SUPPORT] = (double)support;
  numbers[MARGIN] = hfy_sep_margin(&net.sep);
  return (int)status;
}

/* The scores of `query` alone. */
int play_scores(void) {
  hfy_net net = the_net();
  return (int)hfy_sim_scores(net.sim, net.beta, net.keys, net.count, net.dim, 0, query, 1, scores, &work);
}

/* The constant that makes energies those of HFY eq. 20, or 0 where there is none. */
double play_constant(void) {
  hfy_net net = the_net();
  double constant;
  return hfy_energy_constant(&net, HFY_ENERGY_PAPER, &constant, &work) ? 0 : constant;
}

/* Energies of the first `count` points of the plane. */
int play_energies(int count) {
  hfy_net net = the_net();
  return (int)hfy_energy(&net, points, (size_t)count, energies, &work);
}

/* Where `count` points of the plane, from the `first` on, end after at most `steps` steps: in place, with the weights
   of the last step (COUNT to a point). */
int play_flow(int first, int count, int steps) {
  hfy_net net = the_net();
  hfy_report report;
  hfy_real *at = points + 2 * (size_t)first;
  memset(&report, 0, sizeof report);
  report.weights = point_weights + (size_t)first * net.count;
  net.max_steps = (size_t)steps;
  net.tol = 1e-4;
  return (int)hfy_retrieve(&net, at, (size_t)count, at, &report, &work);
}

/* Breaks `query` as examples/recall.c does: 0 masks the lower part, 1 adds noise, 2 flips pixels. */
void play_break(int how, double amount, int seed) {
  hfy_rng rng = hfy_rng_seed((uint64_t)seed);
  const int keep = (28 - (int)(amount * 28 + .5)) * 28;
  int i;
  for (i = 0; i < PIXELS; i++) {
    double v = (double)query[i];
    if (how == 0 && i >= keep) v = 0;
    if (how == 1) v += amount * hfy_rng_normal(&rng);
    if (how == 2 && hfy_rng_uniform(&rng) < amount) v = -v;
    query[i] = (hfy_real)(v < -1 ? -1 : v > 1 ? 1 : v);
  }
}
