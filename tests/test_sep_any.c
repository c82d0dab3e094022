/* test_sep_any.c: HFY_OK never comes with NaN or a point outside the domain, whatever scores, bounds and parameters
   are. They are drawn from raw bytes, the ends of the number range, ties and plain numbers; a third is refused. SEED and
   DRAWS in the environment: other draws, more of them. */
#ifndef TEST_LINKED
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"

#define MOST 300
#define FEW 16 /* bits of a structure at most, and their parts below MOST */

static hfy_rng dice;
static unsigned long draws, answered;

static int is_nan(double x) { return !(x < 0) && !(x >= 0); }
static int is_finite(double x) { return x - x >= 0; }

static void begin(unsigned long usual) {
  const char *seed = getenv("SEED"), *more = getenv("DRAWS");
  dice = hfy_rng_seed(seed ? strtoul(seed, NULL, 10) : 1);
  draws = more ? strtoul(more, NULL, 10) : usual / FEWER;
  answered = 0;
}

/* Any number: of all bits, of one size, near a level, one of three, at the edges. */
enum { BITS, SIZE, NEAR, TIES, EDGES, STYLES };
static double any(size_t style, double size, double level) {
  static const double edge[] = {0,    -0.0, 1,    -1,    0.5,          2,
                                3,    1e16, 3e18, 1e-17, 4294967296.0, 1.8446744073709552e19,
                                1e300, 1e-300,  DBL_MAX, DBL_MIN, (double)FLT_MAX, (double)FLT_MIN};
  const uint64_t bits = hfy_rng_u64(&dice);
  double x;
  float f;
  if (below(&dice, 300) == 0) return bits & 1 ? HUGE_VAL : bits & 2 ? -HUGE_VAL : (double)not_a_number();
  if (style == SIZE) return size * hfy_rng_normal(&dice);
  if (style == NEAR) return level + size * hfy_rng_normal(&dice);
  if (style == TIES) return size * (double)below(&dice, 3);
  if (style == EDGES) return edge[below(&dice, COUNT(edge))];
  memcpy(&x, &bits, sizeof x);
  memcpy(&f, &bits, sizeof f);
  return sizeof(hfy_real) == sizeof f ? (double)f : x;
}

static double any_size(void) { return pow(10, 40 * hfy_rng_uniform(&dice) - 20); }

/* A parameter: any number, or of the range where most are allowed. */
static double parameter(void) {
  const size_t way = below(&dice, 8);
  if (way < 2) return any(way ? EDGES : BITS, 1, 0);
  if (way < 4) return (way == 2 ? 0 : 1) + any_size();
  return way == 4 ? 0 : way == 5 ? (double)below(&dice, 6) : 3 * hfy_rng_uniform(&dice);
}

static void row(double *x, size_t n) {
  const size_t style = below(&dice, STYLES);
  const double size = any_size(), level = any(below(&dice, 2), size, 0);
  size_t i;
  for (i = 0; i < n; i++) x[i] = any(style, size, level);
}

static void real_row(hfy_real *x, size_t n, double scale) {
  double wide[MOST];
  size_t i;
  row(wide, n);
  for (i = 0; i < n; i++) {
    const double v = wide[i];
    x[i] = (hfy_real)(scale * (!is_finite(v) ? v : v > REAL_MAX ? REAL_MAX : v < -REAL_MAX ? -REAL_MAX : v));
  }
}

typedef struct any_case {
  hfy_sep sep[2];
  hfy_structure structure;
  size_t n, states[3], way;
  double lower[MOST], upper[MOST];
  hfy_real transitions[MOST], theta[MOST], target[MOST], dy[MOST];
} any_case;

static void draw_structure(any_case *c) {
  const size_t n = 1 + below(&dice, 8), k = 1 + below(&dice, n), way = c->way = below(&dice, 5);
  size_t i;
  for (i = 0; i < COUNT(c->states); i++) c->states[i] = 1 + below(&dice, 3);
  if (way == 0) c->structure = hfy_structure_ksubsets(n, k);
  if (way == 1) c->structure = hfy_structure_at_most(n, k);
  if (way == 2) c->structure = hfy_structure_sequence(n, k);
  if (way == 3) c->structure = hfy_structure_chain(1 + below(&dice, 3), c->states);
  if (way == 4) c->structure = hfy_structure_matching(1 + below(&dice, 4));
  if (!below(&dice, 4)) c->structure.tol = parameter();
  if (!below(&dice, 4)) c->structure.max_active = below(&dice, 4);
  if (!below(&dice, 4)) c->structure.max_steps = below(&dice, 9);
}

static void draw_bounds(any_case *c) {
  const size_t way = below(&dice, 4);
  const double size = below(&dice, 2) ? 3 / (double)c->n : any_size();
  size_t i;
  for (i = 0; i < c->n; i++) {
    c->lower[i] = below(&dice, 2) ? 0 : way ? 0.3 * size * hfy_rng_uniform(&dice) : any(BITS, 1, 0);
    c->upper[i] = way == 0 ? any(BITS, 1, 0) : way == 1 ? c->lower[i] : c->lower[i] + size * hfy_rng_uniform(&dice);
    if (!below(&dice, 8)) c->upper[i] = HUGE_VAL;
  }
}

static void draw_sep(any_case *c, hfy_sep *sep) {
  memset(sep, 0, sizeof *sep);
  sep->kind = (hfy_sep_kind)below(&dice, HFY_SEP_EVEN + 1);
  sep->k = parameter();
  sep->alpha = parameter();
  sep->gamma = parameter();
  sep->degree = parameter();
  sep->rho = parameter();
  if (below(&dice, 2)) sep->transition = parameter();
  if (!below(&dice, 3)) sep->transitions = c->transitions;
  if (!below(&dice, 3)) sep->upper = c->upper;
  if (!below(&dice, 5)) sep->lower = c->lower;
  if (sep->kind == HFY_SEP_SPARSEMAP || !below(&dice, 4)) sep->structure = &c->structure;
}

static void draw(any_case *c) {
  memset(c, 0, sizeof *c);
  draw_structure(c);
  draw_sep(c, c->sep);
  c->n = c->sep->structure ? c->structure.unaries : 1 + below(&dice, below(&dice, 4) ? 6 : below(&dice, 8) ? 40 : MOST);
  real_row(c->transitions, c->n + (c->sep->structure ? c->structure.higher : 0), 1);
  real_row(c->theta, c->n, 1);
  real_row(c->target, c->n, 1);
  real_row(c->dy, c->n, 1e-30); /* products with them should be numbers */
  draw_bounds(c);
  if (below(&dice, 8)) return;
  draw_sep(c, c->sep + 1);
  c->sep->plus = c->sep + 1;
}

static void show_case(const any_case *c, const hfy_real *y) {
  const hfy_sep *s = c->sep;
  size_t i;
  for (; s; s = s->plus)
    printf("    kind %d alpha %.17g gamma %.17g k %.17g rho %.17g degree %.17g transition %g\n", (int)s->kind, s->alpha,
           s->gamma, s->k, s->rho, s->degree, s->transition);
  for (i = 0, s = c->sep; i < c->n; i++)
    printf("    theta %.17g y %.17g dy %.9g bounds %.17g %.17g target %.9g\n", (double)c->theta[i], (double)y[i],
           (double)c->dy[i], s->lower ? s->lower[i] : 0, s->upper ? s->upper[i] : 0, (double)c->target[i]);
}

static void judge(int ok, const any_case *c, const hfy_real *y, const char *what) {
  if (!ok && check_errors < 5) show_case(c, y);
  if (!ok) check_report(0, __FILE__, __LINE__, what);
}

static int has_box(const hfy_sep *sep) { return sep->kind == HFY_SEP_SPARSEMAX || sep->kind == HFY_SEP_KSUBSETS; }
static int is_structured(const hfy_sep *sep) {
  return sep->kind == HFY_SEP_SEQUENCE_KSUBSETS || sep->kind == HFY_SEP_SPARSEMAP;
}

/* Are these weights of the domain, to the rounding of a real? */
static int feasible(const any_case *c, const hfy_real *y) {
  const hfy_sep *sep = c->sep;
  const int counts = sep->kind == HFY_SEP_KSUBSETS || sep->kind == HFY_SEP_SEQUENCE_KSUBSETS ||
                     sep->kind == HFY_SEP_ARGMAX;
  const int bent = sep->kind == HFY_SEP_IDENTITY || sep->kind == HFY_SEP_POWER;
  const int free_sum = bent || sep->kind == HFY_SEP_EXP || sep->kind > HFY_SEP_UNIFORM ||
                       sep->kind == HFY_SEP_SPARSEMAP;
  const double total = counts && sep->k > 0 ? sep->k : 1, tiny = 4 / REAL_MAX, slack = REAL_EPS + 2e-9;
  double sum = 0;
  size_t i;
  int ok = 1;
  for (i = 0; i < c->n; i++) {
    const double v = (double)y[i], low = has_box(sep) && sep->lower ? sep->lower[i] : bent ? -HUGE_VAL : 0;
    double high = free_sum && sep->kind != HFY_SEP_SPARSEMAP ? HUGE_VAL : 1;
    if (has_box(sep) && sep->upper) high = sep->upper[i];
    if (!is_finite((double)c->theta[i])) high = bent ? 0 : low;
    if (!is_finite(v)) return 0;
    sum += v;
    ok &= v >= low * (1 - slack) - tiny && v <= high * (1 + slack) + tiny;
  }
  return sep->plus || (ok && (free_sum || fabs(sum - total) <= total * slack + (double)c->n * tiny));
}

/* Omega does not know masks: may it be infinite at a prediction? */
static int masks_matter(const any_case *c) {
  size_t i;
  int infinite = fabs(c->sep->transition) > DBL_MAX;
  for (i = 0; c->sep->transitions && i < COUNT(c->transitions); i++)
    infinite |= fabs((double)c->transitions[i]) > REAL_MAX;
  if (is_structured(c->sep)) return infinite;
  return c->sep->plus && (c->sep[0].kind == HFY_SEP_UNIFORM || c->sep[1].kind == HFY_SEP_UNIFORM);
}

static void gradients(const any_case *c, const hfy_real *y, hfy_work *work) {
  const hfy_sep *sep = c->sep;
  static double zero[MOST], upper[MOST], lower[MOST], parts[MOST], one[3];
  hfy_real out[MOST];
  hfy_sep_grad grad;
  hfy_status status;
  size_t i;
  int finite = 1, nan = 0;
  memset(&grad, 0, sizeof grad);
  fill(out, MOST, 0);
  memcpy(upper, zero, sizeof upper);
  memcpy(lower, zero, sizeof lower);
  memcpy(parts, zero, sizeof parts);
  memcpy(one, zero, sizeof one);
  grad.theta = out;
  if (sep->kind == HFY_SEP_ENTMAX && is_finite(sep->alpha)) grad.alpha = one;
  if (sep->kind == HFY_SEP_NORMMAX && is_finite(sep->gamma) && (sep->gamma < 1 || sep->gamma > 1)) grad.gamma = one + 1;
  if (has_box(sep) && sep->upper) grad.upper = upper;
  if (has_box(sep) && sep->lower) grad.lower = lower;
  if (is_structured(sep)) grad.transition = one + 2;
  if (is_structured(sep)) grad.transitions = parts;
  for (i = 0; i < c->n; i++) finite &= is_finite((double)c->dy[i]);
  status = hfy_sep_vjp(sep, c->theta, y, c->dy, 1, c->n, &grad, work);
  for (i = 0; i < c->n; i++) nan |= is_nan((double)out[i]) | is_nan(upper[i]) | is_nan(lower[i]);
  for (i = 0; i < COUNT(parts); i++) nan |= is_nan(parts[i]);
  nan |= is_nan(one[0]) | is_nan(one[1]) | is_nan(one[2]);
  judge(status == HFY_OK && (!nan || !finite), c, y, "hfy_sep_vjp");
}

TEST(ok_is_never_nan_nor_infeasible) {
  hfy_work work;
  unsigned long i;
  memset(&work, 0, sizeof work);
  begin(12000);
  for (i = 0; i < draws; i++) {
    static any_case c;
    hfy_real y[MOST];
    double v;
    hfy_status status;
    draw(&c);
    fill(y, MOST, 7);
    status = hfy_sep_apply(c.sep, c.theta, 1, c.n, y, &work);
    answered += !status;
    judge(status ? all_are(y, MOST, 7) && work.message[0] : feasible(&c, y), &c, y, "hfy_sep_apply");
    v = hfy_sep_margin(c.sep);
    judge(v >= 0, &c, y, "hfy_sep_margin");
    if (!status) {
      gradients(&c, y, &work);
      status = hfy_sep_value(c.sep, y, 1, c.n, &v, &work);
      judge(status || is_finite(v) || masks_matter(&c), &c, y, "hfy_sep_value");
      status = hfy_sep_loss(c.sep, c.theta, y, 1, c.n, &v, &work);
      judge(status || (v <= 0 && v >= 0), &c, y, "hfy_sep_loss at y");
    }
    status = hfy_sep_conjugate(c.sep, c.theta, 1, c.n, &v, &work);
    judge(status || is_finite(v), &c, y, "hfy_sep_conjugate");
    status = hfy_sep_value(c.sep, c.target, 1, c.n, &v, &work);
    judge(status || v >= 0 || v < 0, &c, y, "hfy_sep_value of a target");
    status = hfy_sep_loss(c.sep, c.theta, c.target, 1, c.n, &v, &work);
    judge(status || v >= 0, &c, y, "hfy_sep_loss of a target");
  }
  CHECK(answered > draws / 2);
  hfy_work_free(&work);
}

/* The same of the structures themselves, whose scores are doubles. */
TEST(structures_answer_or_say_why) {
  hfy_work work;
  unsigned long i;
  memset(&work, 0, sizeof work);
  begin(6000);
  for (i = 0; i < draws; i++) {
    static any_case c;
    double unary[FEW], higher[MOST], u[FEW], parts[MOST], weight[FEW + 1], du[FEW], v, sum = 0;
    size_t on[(FEW + 1) * FEW], count[FEW + 1], j;
    hfy_structure_answer a;
    hfy_status status;
    draw_structure(&c);
    row(unary, c.n = c.structure.unaries);
    row(higher, c.structure.higher);
    real_row(c.dy, c.n, 1e-30);
    memset(&a, 0, sizeof a);
    a.unary = u;
    a.higher = parts;
    a.weight = weight;
    a.count = count;
    a.on = on;
    a.room = FEW + 1;
    v = parameter();
    status = hfy_structure_solve(&c.structure, v, unary, higher, &a, &work);
    CHECK(!status || work.message[0]);
    if (status && status != HFY_ERR_CONVERGENCE) continue;
    answered++;
    CHECK(is_finite(a.value) && is_finite(a.gap) && a.gap >= 0);
    for (j = 0; j < c.n; j++) {
      CHECK(u[j] >= 0 && u[j] <= 1 + 1e-12);
      sum += u[j];
      du[j] = is_finite((double)c.dy[j]) ? (double)c.dy[j] : 0;
    }
    if (c.way == 0 || c.way == 2 || c.way == 4) CHECK_NEAR(sum, c.structure.k, 1e-12);
    if (c.way == 1) CHECK(sum <= (double)c.structure.k + 1e-12);
    for (j = 0, sum = 0; j < a.vertices; j++) sum += weight[j];
    CHECK_NEAR(sum, 1, 1e-12);
    status = hfy_structure_vjp(&c.structure, v, a.vertices, count, on, du, u, parts, &work);
    CHECK(!status);
    for (j = 0; j < c.n + c.structure.higher; j++) CHECK(!is_nan(j < c.n ? u[j] : parts[j - c.n]));
    status = hfy_structure_map(&c.structure, unary, higher, on, count, &sum, &work);
    CHECK(status || !is_nan(sum));
    status = hfy_structure_loss(&c.structure, v, unary, higher, on, *count, &sum, &work);
    CHECK(status || sum >= 0);
    status = hfy_structure_margin(&c.structure, v, unary, higher, on, *count, &sum, &work);
    CHECK(status || sum <= 0);
  }
  CHECK(answered > draws / 2);
  hfy_work_free(&work);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(ok_is_never_nan_nor_infeasible);
  RUN(structures_answer_or_say_why);
  return CHECK_END();
}
