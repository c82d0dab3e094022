/* hfy_sequence.c: where sequential recall (HFY Algorithm 3) keeps the order, and where it breaks. Pictures in the order
   they were drawn in; settings of the paper (beta 0.1, 20 inner steps, inner beta 1, lambda 1e9, tau 1e-3, omega 1.1, t
   1e8) but for what varies. The cue is bare, as printed, or counts as recalled, the default of hfy_recall.

   hfy_sequence IDX_DIRECTORY [--out DIR] [--draws 20] [--largest 1024] [--beyond 2048] [--few 5] [--seed 1]

   Writes DIR/sequential_recall.csv, a row a setting. perfect: draws recalled in order to the last picture. order,
   order25, order75: Levenshtein coefficient against the pictures after the cue, 1 = perfect. pair: draws whose first
   2-subset is the cue and the next, to the bit; attractors: draws in which each picture after the cue is its own
   attractor, with a weight above (1 + omega) / (2 omega); agree: draws that are perfect if and only if both hold. Then
   the steps of all draws that do not lead to the next picture, each counted once, by the first that applies: first:
   from the cue; memory: the next is no such attractor; taken: there is no next, or it came before; back: to the one
   before; other. --few draws beyond --largest. */
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include "reproduce.h"

typedef struct setting {
  const char *part;
  double alpha, rho;
  hfy_sim sim;
  int bare, middle; /* middle: the cue is picture N/2, not the first */
  double noise, t, omega;
  size_t N;
} setting;

static const setting standard = {"size", 2, 1, HFY_SIM_DOT, 0, 0, 0, 1e8, 1.1, 64};
enum { FIRST, MEMORY, TAKEN, BACK, OTHER, KINDS };

static hfy_work work;
static images all;
static size_t dim, draws, few, largest;
static uint64_t seed;
static FILE *csv;
static time_t start;

/* Which pictures are their own attractors, with so much of the weight that they get the larger part of the bonus:
   omega p - 1 > omega (1 - p). */
static void attractors(const hfy_net *net, double omega, hfy_real *states, size_t *heaviest, hfy_real *weight) {
  hfy_net inner = *net;
  hfy_report report;
  size_t i;
  memset(&report, 0, sizeof report);
  inner.beta = 1, inner.max_steps = 20;
  report.top = 1, report.top_index = heaviest, report.top_weight = weight;
  check(hfy_retrieve(&inner, net->keys, net->count, states, &report, &work), &work);
  for (i = 0; i < net->count; i++)
    if (!((double)weight[i] > (1 + omega) / (2 * omega))) heaviest[i] = SIZE_MAX;
}

/* Is the first pair the cue's picture and the next? From what it adds to the average: tau (y - omega p). */
static int first_pair(const hfy_net *net, const hfy_recall *how, const hfy_real *cue, size_t cue_at) {
  const double tau = 1e-3; /* the default */
  size_t n = net->count, i, item, off = 0;
  double *before = (double *)allocate(2 * n, sizeof *before), *after = before + n;
  hfy_real *query = (hfy_real *)allocate(dim, sizeof *query), *weights = (hfy_real *)allocate(n, sizeof *weights);
  hfy_recall_state state;
  memset(&state, 0, sizeof state);
  state.left = after, state.query = query, state.weights = weights;
  check(hfy_recall_begin(net, how, cue, &state, &work), &work);
  memcpy(before, after, n * sizeof *before);
  check(hfy_recall_next(net, how, &state, &item, &work), &work);
  for (i = 0; i < n; i++) {
    double y = (after[i] - (1 - tau) * before[i]) / tau + how->boost * (double)weights[i];
    off += fabs(y - (i == cue_at || i == cue_at + 1)) > 1e-6;
  }
  free(before), free(query), free(weights);
  return !off;
}

static void study(setting s) {
  const size_t n = s.N, cue_at = s.middle ? n / 2 : 0, count = n - 1 - cue_at, times = n > largest ? few : draws;
  hfy_real *keys = (hfy_real *)allocate(n * dim, sizeof *keys), *states = (hfy_real *)allocate(n * dim, sizeof *keys);
  hfy_real *cue = (hfy_real *)allocate(dim, sizeof *cue), *weight = (hfy_real *)allocate(n, sizeof *weight);
  size_t *chosen = (size_t *)allocate(n, sizeof *chosen), *heaviest = (size_t *)allocate(n, sizeof *heaviest);
  size_t *items = (size_t *)allocate(n, sizeof *items), *want = (size_t *)allocate(n, sizeof *want);
  unsigned char *came = (unsigned char *)allocate(n, 1);
  double *order = (double *)allocate(times, sizeof *order);
  size_t jumps[KINDS] = {0}, perfect = 0, paired = 0, own = 0, agree = 0, j, i, k;
  char what[80];
  for (j = 0; j < times; j++) {
    hfy_rng rng = hfy_rng_seed(seed + 1000 * j + n);
    hfy_net net;
    hfy_recall how;
    size_t right = 0, stand = 0, last = cue_at, pair;
    snprintf(what, sizeof what, "%s, %lu pictures", s.part, (unsigned long)n);
    progress(what, j, times + 1, start);
    memset(&net, 0, sizeof net), memset(&how, 0, sizeof how);
    draw(&rng, all.count, n, chosen);
    for (i = 0; i < n; i++) memcpy(keys + i * dim, all.pixels + chosen[i] * dim, dim * sizeof *keys);
    for (i = 0; i < dim; i++) cue[i] = keys[cue_at * dim + i] + (hfy_real)(s.noise * hfy_rng_normal(&rng));
    net.dim = dim, net.count = n, net.keys = keys, net.beta = 0.1, net.sim = s.sim;
    net.sep.kind = HFY_SEP_ENTMAX, net.sep.alpha = s.alpha;
    how.kind = HFY_RECALL_SEQUENTIAL, how.rho = s.rho, how.bare_cue = s.bare;
    how.transition = s.t, how.boost = s.omega;
    attractors(&net, s.omega, states, heaviest, weight);
    check(hfy_recall_all(&net, &how, cue, count, items, NULL, &work), &work);
    memset(came, 0, n);
    came[cue_at] = 1;
    for (k = 0; k < count; k++) {
      const size_t next = last + 1;
      want[k] = cue_at + 1 + k;
      right += items[k] == want[k], stand += heaviest[want[k]] == want[k];
      if (items[k] != next)
        jumps[k == 0                                   ? FIRST
              : next < n && heaviest[next] != next     ? MEMORY
              : next == n || came[next]                ? TAKEN
              : items[k] + 1 == last                   ? BACK
                                                       : OTHER]++;
      last = items[k], came[last] = 1;
    }
    pair = (size_t)first_pair(&net, &how, cue, cue_at);
    perfect += right == count, paired += pair, own += stand == count;
    agree += (right == count) == (pair && stand == count);
    check(hfy_recall_levenshtein(items, count, want, count, NULL, order + j, &work), &work);
  }
  fprintf(csv, "%s,%g,%g,%s,%s,%s,%g,%g,%.6g,%lu,%lu,%lu", s.part, s.alpha, s.rho,
          s.sim == HFY_SIM_DOT ? "dot" : "euclidean", s.bare ? "bare" : "recalled", s.middle ? "middle" : "start",
          s.noise, s.t, s.omega, (unsigned long)n, (unsigned long)times, (unsigned long)perfect);
  fprintf(csv, ",%.4f", quantile(order, times, 0.5));
  fprintf(csv, ",%.4f,%.4f", quantile(order, times, 0.25), quantile(order, times, 0.75));
  fprintf(csv, ",%lu,%lu,%lu", (unsigned long)paired, (unsigned long)own, (unsigned long)agree);
  for (k = 0; k < KINDS; k++) fprintf(csv, ",%lu", (unsigned long)jumps[k]);
  fprintf(csv, "\n");
  fflush(csv);
  free(keys), free(states), free(cue), free(weight), free(chosen), free(heaviest);
  free(items), free(want), free(came), free(order);
}

int main(int argc, char **argv) {
  static const double alphas[] = {1, 1.5, 2}, noises[] = {0.5, 1, 2, 4, 8};
  static const double omegas[] = {1, 1.00001, 1.0001, 1.001, 1.01, 1.1, 1.5, 1.9, 2, 2.1};
  const char *out = option(argc, argv, "out", ".");
  size_t beyond = (size_t)number(argc, argv, "beyond", 2048), N, a, i;
  setting s;
  draws = (size_t)number(argc, argv, "draws", 20), few = (size_t)number(argc, argv, "few", 5);
  largest = (size_t)number(argc, argv, "largest", 1024), seed = (uint64_t)number(argc, argv, "seed", 1);
  if (argc < 2 || argv[1][0] == '-') die("usage: hfy_sequence IDX_DIRECTORY [--out DIR] [--draws 20]");
  all = pictures(argv[1], "train-images-idx3-ubyte", 0);
  dim = all.height * all.width, start = time(NULL);
  if (largest < 16 || largest > all.count || beyond > all.count || !draws || !few) die("a size that makes no sense");
  csv = create(out, "sequential_recall.csv");
  fprintf(csv, "part,alpha,rho,similarity,cue,from,noise,t,omega,stored,draws,perfect,order,order25,order75,"
               "pair,attractors,agree,first,memory,taken,back,other\n");
  for (N = 16; N <= largest; N *= 2)
    for (a = 0; a < 3; a++)
      for (i = 0; i < 6; i++) {
        s = standard, s.N = N, s.alpha = alphas[a], s.rho = (double)(1 + i % 2);
        s.bare = i < 2;
        if (i > 3) s.sim = HFY_SIM_EUCLIDEAN;
        study(s);
      }
  for (; N <= beyond; N *= 2)
    for (i = 0; i < 2; i++) {
      s = standard, s.N = N;
      if (i) s.sim = HFY_SIM_EUCLIDEAN;
      study(s);
    }
  for (a = 0; a < 4; a++) { /* bare and recalled, rho 1 and 2 */
    const int bare = a < 2;
    const double rho = (double)(1 + a % 2);
    for (N = 16; N <= largest && N <= 256; N *= 4) {
      double t;
      s = standard, s.part = "middle", s.middle = 1, s.bare = bare, s.rho = rho, s.N = N;
      study(s);
      for (i = 0; i < sizeof noises / sizeof *noises; i++) {
        s = standard, s.part = "noise", s.bare = bare, s.rho = rho, s.N = N, s.noise = noises[i];
        study(s);
      }
      for (t = 1; t < 2e8; t *= 10) {
        s = standard, s.part = "t", s.bare = bare, s.rho = rho, s.N = N, s.t = t;
        study(s);
      }
    }
    for (i = 0; i < sizeof omegas / sizeof *omegas; i++) {
      s = standard, s.part = "omega", s.bare = bare, s.rho = rho, s.omega = omegas[i];
      study(s);
    }
  }
  progress("done", 1, 1, start);
  done(csv, "sequential_recall.csv");
  hfy_work_free(&work);
  free(all.pixels);
  return 0;
}
