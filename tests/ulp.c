/* ulp.c: how far from the exact result is what the library computes? For each separation, post-transformation and net the
   worst error over random and hard rows against the long double versions of oracle.h, in units in the last place of the
   row's largest number, on every instruction set that runs here; gradients against differences of eighth order of the
   same. `make -C tests ulp` prints the tables of docs/numerics.md. Works with long doubles of 64 bits or more. */
#define HFY_IMPLEMENTATION
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "nets.h"

#define LONGEST 300
#define DOUBT (sizeof(hfy_real) == sizeof(float) ? 0.2L : 4.0L) /* units to which a difference is to be known */

/* A function of x: a separation, a post, or one step of a net, its energy. */
typedef struct problem {
  enum { SEP, POST, STEP, ENERGY } what;
  hfy_sep sep, as; /* the separation, and by which the oracle knows it */
  const hfy_post *post;
  oracle_memory *memory;
  size_t n, m; /* numbers in, and out */
} problem;

static void forward(const problem *p, const wide *x, wide *out) {
  static wide states[2 * ORACLE_DIM], weights[ORACLE_COUNT];
  oracle_memory *m = p->memory;
  unsigned long signature = 0;
  oracle_signature = 0;
  if (p->what == SEP) oracle_sep(&p->as, x, p->n, 0, out);
  if (p->what == POST) oracle_post(p->post, x, NULL, p->n, p->post->gain ? m->gain : NULL,
                                   p->post->delta ? m->delta : NULL, m->matrix, out);
  if (p->what < STEP) return;
  memcpy(m->queries, x, p->n * sizeof *x);
  if (p->what == STEP) oracle_retrieve(m, 0, 1, states, weights, out);
  if (p->what == ENERGY) *out = oracle_energy(m, x, 0, &signature);
  if (p->what == ENERGY) oracle_signature = signature;
}

/* d (v . F(x)) / dx_i by differences of order 8; *doubt: what order 6 says else and rounding, HUGE_VAL at a kink. */
static wide slope(const problem *p, const wide *at, size_t i, const hfy_real *v, wide *doubt) {
  static const wide eight[] = {4 / 5.0L, -1 / 5.0L, 4 / 105.0L, -1 / 280.0L}, six[] = {3 / 4.0L, -3 / 20.0L, 1 / 60.0L, 0};
  static const wide steps[] = {2e-2L, 4e-3L, 1e-3L};
  static wide x[LONGEST], out[LONGEST];
  wide best = 0;
  unsigned long here;
  size_t t, d;
  int k;
  memcpy(x, at, p->n * sizeof *x);
  forward(p, x, out);
  here = oracle_signature;
  for (t = 0, *doubt = HUGE_VALL; t < COUNT(steps); t++) {
    wide sum = 0, rough = 0, noise = 0;
    int smooth = 1;
    for (k = -4; k <= 4 && smooth; k++) {
      const int far = k < 0 ? -k : k;
      wide value = 0;
      if (!k) continue;
      x[i] = at[i] + (wide)k * steps[t];
      forward(p, x, out);
      smooth = oracle_signature == here;
      for (d = 0; d < p->m; d++) value += v[d] * out[d];
      for (d = 0; d < p->m; d++) noise += fabsl(v[d] * out[d]) * LDBL_EPSILON / steps[t];
      sum += (k < 0 ? -1 : 1) * eight[far - 1] * value / steps[t];
      rough += (k < 0 ? -1 : 1) * six[far - 1] * value / steps[t];
    }
    x[i] = at[i];
    if (!smooth || !(fabsl(sum - rough) + noise < *doubt)) continue;
    *doubt = fabsl(sum - rough) + noise;
    best = sum;
  }
  return best;
}

/* One unit in the last place of a real of this size. */
static double unit(double x) {
  const int least = sizeof(hfy_real) == sizeof(float) ? FLT_MIN_EXP : DBL_MIN_EXP;
  int exponent;
  frexp(x, &exponent);
  return ldexp(REAL_EPS, (exponent < least ? least : exponent) - 1);
}

static void raise_to(double *worst, double x) {
  if (!(x <= *worst)) *worst = x;
}

/* Errors in units of the row's largest number (never below `least`), and of each number itself (own: or NULL). */
static void compare(const hfy_real *got, const wide *want, const wide *doubt, size_t n, double least, double *worst,
                    double *own) {
  double largest = least;
  size_t i;
  for (i = 0; i < n; i++)
    if (fabs((double)want[i]) > largest) largest = fabs((double)want[i]);
  for (i = 0; i < n; i++) {
    const double off = (double)fabsl((wide)got[i] - want[i]);
    if (doubt && !(doubt[i] < DOUBT * (wide)unit(largest))) continue;
    raise_to(worst, off / unit(largest));
    if (own && fabs((double)want[i]) > 1e4 / REAL_MAX) raise_to(own, off / unit((double)want[i]));
  }
}

enum { SETS = HFY_ISA_NEON };
typedef struct result {
  double set[SETS], own, gradient, energy, energy_gradient;
} result;
static hfy_work works[SETS];
static int runs[SETS];

static void gradient_of(const problem *p, const wide *x, const hfy_real *v, wide *want, wide *doubt) {
  size_t i;
  for (i = 0; i < p->n; i++) want[i] = slope(p, x, i, v, doubt + i);
}

/* A row of scores or of what a post is given: its weights on each set, its gradient. */
static void try_row(const problem *p, const hfy_real *x, const hfy_real *v, int slopes, result *r) {
  static wide at[LONGEST], want[LONGEST], doubt[LONGEST];
  static hfy_real y[LONGEST], g[LONGEST];
  hfy_sep_grad sep;
  hfy_post_grad post;
  size_t i;
  hfy_status status;
  int s;
  memset(&sep, 0, sizeof sep);
  memset(&post, 0, sizeof post);
  sep.theta = post.z = g;
  for (i = 0; i < p->n; i++) at[i] = x[i];
  forward(p, at, want);
  if (p->what == SEP && p->sep.kind == HFY_SEP_NORMMAX && p->sep.gamma > 1e300 && oracle_edge < 1e-13L) return; /* jumps */
  for (s = 0; s < SETS; s++) {
    if (!runs[s]) continue;
    status = p->what == SEP ? hfy_sep_apply(&p->sep, x, 1, p->n, y, works + s)
                            : hfy_post_apply(p->post, x, NULL, 1, p->n, y, works + s);
    if (status) return; /* beyond the range of a real */
    compare(y, want, NULL, p->n, 0, r->set + s, &r->own);
  }
  if (!slopes) return;
  gradient_of(p, at, v, want, doubt);
  for (s = 0; s < SETS; s++) {
    if (!runs[s]) continue;
    if (p->what == SEP && !hfy_sep_apply(&p->sep, x, 1, p->n, y, works + s))
      hfy_sep_vjp(&p->sep, x, y, v, 1, p->n, &sep, works + s);
    if (p->what == POST) hfy_post_vjp(p->post, x, v, 1, p->n, &post, works + s);
    compare(g, want, doubt, p->n, 1e-3, &r->gradient, NULL);
  }
}

/* One step of the net, its energy, the gradients of both. */
static void try_net(fixture *f, oracle_memory *m, int energies, result *r) {
  static wide at[LONGEST], want[LONGEST], doubt[LONGEST];
  static hfy_real y[LONGEST], one[1] = {1};
  const size_t n = f->net.dim;
  problem p;
  hfy_grad grad;
  double energy;
  size_t i;
  int s;
  memset(&p, 0, sizeof p);
  oracle_load(m, &f->net, f->queries, 1);
  p.memory = m;
  p.n = p.m = n;
  for (i = 0; i < n; i++) at[i] = f->queries[i];
  for (p.what = STEP, s = 0; s < SETS; s++) {
    if (!runs[s]) continue;
    if (s == 0) forward(&p, at, want);
    if (hfy_retrieve(&f->net, f->queries, 1, y, NULL, works + s)) return;
    compare(y, want, NULL, n, 0, r->set + s, &r->own);
  }
  gradient_of(&p, at, f->values, want, doubt);
  memset(&grad, 0, sizeof grad);
  grad.queries = y;
  for (s = 0; s < SETS; s++) {
    if (!runs[s]) continue;
    fill(y, n, 0);
    if (!hfy_retrieve_vjp(&f->net, f->queries, 1, f->values, &grad, works + s))
      compare(y, want, doubt, n, 1e-3, &r->gradient, NULL);
  }
  if (!energies) return;
  p.what = ENERGY;
  p.m = 1;
  gradient_of(&p, at, one, want, doubt);
  for (s = 0; s < SETS; s++) {
    wide e;
    if (!runs[s] || hfy_energy(&f->net, f->queries, 1, &energy, works + s) || !(energy - energy >= 0)) continue;
    forward(&p, at, &e);
    raise_to(&r->energy, (double)fabsl((wide)energy - e) / unit(fabs(energy) > 1 ? energy : 1));
    if (!hfy_energy_gradient(&f->net, f->queries, 1, y, works + s))
      compare(y, want, doubt, n, 1e-3, &r->energy_gradient, NULL);
  }
}

static void cell(double x) {
  if (x < 0) printf(" - |");
  else printf(x < 9.95 ? " %.1f |" : x < 1e5 ? " %.0f |" : " %.0e |", x);
}

static const result nothing = {{-1, -1, -1, -1, -1}, -1, -1, -1, -1};

static void head(const char *title, const char *first, const char *more) {
  int s;
  printf("\n**%s**, %s\n\n| %s |", title, CHECK_PRECISION, first);
  for (s = 0; s < SETS; s++)
    if (runs[s]) printf(" %s |", hfy_simd_text((hfy_isa)(s + 1)));
  printf("%s\n| --- |", more);
  for (s = 0; s < SETS; s++)
    if (runs[s]) printf(" ---: |");
  for (; *more; more++)
    if (*more == '|') printf(" ---: |");
  printf("\n");
}

static void line(const char *name, const result *r, int net) {
  int s;
  printf("| %s |", name);
  for (s = 0; s < SETS; s++)
    if (runs[s]) cell(r->set[s]);
  cell(r->own);
  cell(r->gradient);
  if (net) cell(r->energy);
  if (net) cell(r->energy_gradient);
  printf("\n");
}

/* Rows of a separation or post: plain, with ties, masked, a peak, all equal; small, large, near ties. */
static void rows(problem *p, int which, result *r) {
  static const size_t sizes[] = {2, 7, 33, LONGEST};
  static const double scales[] = {0.01, 0.3, 1, 3, 30, 1e4};
  static hfy_real x[LONGEST], v[LONGEST];
  hfy_rng rng = hfy_rng_seed((uint64_t)which);
  size_t s, c, i;
  int shape, again;
  *r = nothing;
  for (s = 0; s < COUNT(sizes); s++)
    for (c = 0; c < COUNT(scales); c++)
      for (shape = 0; shape < 4; shape++)
        for (again = 0; again < (sizes[s] < LONGEST ? 4 : 1); again++) {
          const int bounded = p->sep.upper || p->post, masked = shape == 3 && p->what == SEP;
          p->n = p->m = sizes[s];
          if ((bounded && sizes[s] > MAX_D) || (p->post && p->post->matrix && sizes[s] != 33)) continue;
          if (p->sep.k > (double)(sizes[s] - sizes[s] / 3 - 1) || (p->sep.upper && sizes[s] < 9)) continue;
          normals(&rng, x, p->n, scales[c]);
          normals(&rng, v, p->n, 1);
          for (i = 0; i < p->n; i++) {
            if (shape == 1) x[i] = (hfy_real)(scales[c] * (floor(2 * (double)x[i] / scales[c]) / 2)); /* ties */
            if (shape == 2) x[i] = (hfy_real)(1 + 1e-5 * (double)x[i]);                              /* nearly */
            if (masked && i % 3 == 1) x[i] = (hfy_real)-HUGE_VAL;
          }
          try_row(p, x, v, (p->n < 10 || p->post) && !masked && !again && !(shape && p->sep.kind != p->as.kind) &&
                              !(shape && p->post), r);
        }
}

/* A query in the interior of a post's domain, where the energy is smooth. */
static void inside(fixture *f, int post) {
  double mean = 0;
  size_t d;
  for (d = 0; d < f->net.dim; d++) {
    hfy_real *x = f->queries + d;
    if (post == 8) *x = (hfy_real)(0.1 + fabs((double)*x));
    if (post >= 1 && post <= 6) *x = (hfy_real)(0.3 * tanh((double)*x));
    mean += (double)*x / (double)f->net.dim;
  }
  if (post != 5 && post != 6) return;
  for (d = 0; d < f->net.dim; d++) f->queries[d] -= (hfy_real)mean;
  for (d = 0; d < f->net.dim && post == 5; d++) f->queries[d] += f->delta[d];
}

int main(void) {
  static oracle_memory memory;
  static fixture f;
  problem p;
  result r;
  int s, which, again;
  if (LDBL_MANT_DIG < 64) return printf("long double is no reference here\n"), 0;
  for (s = 0; s < SETS; s++) {
    hfy_real one[1] = {1};
    memset(&p, 0, sizeof p);
    works[s].isa = (hfy_isa)(s + 1);
    runs[s] = hfy_sep_apply(&p.sep, one, 1, 1, one, works + s) == HFY_OK;
  }
  head("Separations", "hfy_sep", " own | gradient |");
  for (which = 0; which <= SEPS; which++) {
    const char *name;
    make(&f, 1, MAX_N, MAX_D, MAX_B);
    name = which < SEPS ? use_sep(&f, which) : "sequence of 2, no transitions";
    memset(&p, 0, sizeof p);
    p.sep = p.as = f.net.sep;
    if (which == SEPS) {
      p.sep.kind = HFY_SEP_SEQUENCE_KSUBSETS;
      p.as.kind = HFY_SEP_KSUBSETS;
      p.sep.upper = p.as.upper = NULL;
      p.sep.k = p.as.k = 2;
      p.sep.gamma = 0;
    }
    rows(&p, which, &r);
    line(name, &r, 0);
  }
  head("Post-transformations", "hfy_post", " own | gradient |");
  for (which = 0; which < POSTS; which++) {
    const char *name;
    make(&f, 2, MAX_N, 33, MAX_B);
    name = use_post(&f, which);
    oracle_load(&memory, &f.net, f.queries, 1);
    memset(&p, 0, sizeof p);
    p.what = POST;
    p.post = &f.net.post;
    p.memory = &memory;
    rows(&p, which, &r);
    line(name, &r, 0);
  }
  head("Nets", "hfy_retrieve, one step", " own | gradient | energy | its gradient |");
  for (which = 0; which < SEPS + POSTS; which++) {
    const char *name = "";
    r = nothing;
    for (again = 0; again < 16; again++) {
      make(&f, (uint64_t)(100 * which + again), 12, 8, 1);
      f.net.beta = again % 3 ? 0.5 : 4;
      name = which < SEPS ? use_sep(&f, which) : use_post(&f, which - SEPS);
      if (which >= SEPS) inside(&f, which - SEPS);
      try_net(&f, &memory, which < SEPS || post_has_energy(which - SEPS), &r);
    }
    line(name, &r, 1);
  }
  for (s = 0; s < SETS; s++) hfy_work_free(works + s);
  return 0;
}
