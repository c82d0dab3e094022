/* structure: SparseMAP over the built-in structures, over vertices of a list, and over oracles that lie: of bits that
   do not exist or come twice, of lists too long or empty, of another vertex each time, never a better one. */
#define HFY_ONLY_SEP
#define HFY_ONLY_STRUCTURE
#include "fuzz.h"

enum { FEW = 8, VERTICES = 12 };

/* The vertices of an oracle, as masks of bits, and how it lies. */
typedef struct listed {
  unsigned vertex[VERTICES];
  size_t vertices, bits;
  int lie;
} listed;
static size_t asked;

static size_t oracle_of(const struct hfy_structure *s, const double *unary, const double *higher, size_t *on,
                        void *scratch) {
  const listed *l = (const listed *)s->context;
  double best = -HUGE_VAL;
  size_t i, b, count = 0;
  unsigned found = 0, any = 0;
  for (i = 0; i < s->scratch; i++) ((unsigned char *)scratch)[i] = 0xFF; /* it is ours */
  asked++;
  for (i = 0; i < l->vertices; i++) {
    double score = 0;
    for (b = 0; b < l->bits; b++)
      if (l->vertex[i] >> b & 1) score += b < s->unaries ? unary[b] : higher ? higher[b - s->unaries] : 0;
    CHECK(score <= 0 || score > 0);
    if (score > best) best = score, found = l->vertex[i], any = 1;
  }
  if (!any || l->lie == 1) return SIZE_MAX;
  if (l->lie == 2) found = l->vertex[asked % l->vertices];
  if (l->lie == 3) found = l->vertex[0];
  if (l->lie == 4) return s->most + 1 + asked % 3;
  if (l->lie == 5) return 0;
  for (b = 0; b < l->bits && count < s->most; b++)
    if (found >> b & 1) on[count++] = b;
  if (l->lie == 6 && count) on[asked % count] = on[0];
  if (l->lie == 7 && count) on[asked % count] = l->bits + (asked % 2 ? 0 : SIZE_MAX / 2);
  if (l->lie == 8) on[0] = asked % l->bits, count = 1;
  return count;
}

static void draw_listed(listed *l, hfy_structure *s) {
  size_t i, b, most = 0;
  memset(s, 0, sizeof *s);
  s->unaries = 1 + fuzz_below(FEW), s->higher = fuzz_below(4);
  l->bits = s->unaries + s->higher, l->vertices = 1 + fuzz_below(VERTICES),
  l->lie = fuzz_below(2) ? 0 : (int)fuzz_below(9);
  for (i = 0; i < l->vertices; i++) {
    size_t count = 0;
    l->vertex[i] = (unsigned)fuzz_bits(2) & ((1u << l->bits) - 1);
    for (b = 0; b < l->bits; b++) count += l->vertex[i] >> b & 1;
    if (count > most) most = count;
  }
  s->most = most ? most : 1, s->oracle = oracle_of, s->context = l, s->scratch = fuzz_below(3) * 13;
}

static void draw_built_in(hfy_structure *s, size_t *states) {
  const size_t n = fuzz_below(FEW + 1), k = fuzz_below(n + 2), way = fuzz_below(5);
  size_t i;
  for (i = 0; i < 4; i++) states[i] = fuzz_below(12) ? 1 + fuzz_below(3) : 0;
  *s = way == 0   ? hfy_structure_ksubsets(n, k)
       : way == 1 ? hfy_structure_at_most(n, k)
       : way == 2 ? hfy_structure_sequence(n, k)
       : way == 3 ? hfy_structure_chain(fuzz_below(5), states)
                  : hfy_structure_matching(fuzz_below(5));
}

static void scores(double *x, size_t n) {
  const size_t style = fuzz_below(FUZZ_STYLES);
  const double size = fuzz_below(2) ? 1 : fabs(fuzz_number(SIZES));
  size_t i;
  for (i = 0; i < n; i++) x[i] = size * fuzz_number(fuzz_below(16) ? style : fuzz_below(FUZZ_STYLES));
  for (i = 0; i < n; i++)
    if (!fuzz_below(12)) x[i] = -HUGE_VAL;
}

/* Bits that exist, in ascending order. */
static int is_vertex(const hfy_structure *s, const size_t *on, size_t count) {
  size_t i;
  for (i = 0; i < count && on[i] < s->unaries + s->higher && (!i || on[i] > on[i - 1]);) i++;
  return i == count && count <= s->most;
}

static double *doubles_out(size_t n) { return (double *)fuzz_output(n * sizeof(double)); }

static void fuzz(void) {
  listed list;
  hfy_structure s;
  size_t states[4], *on, *count, room = fuzz_below(FEW + 6), n, m, i, all;
  double *unary, *higher, *du, *du_unary, *du_higher, *v, rho, total = 0;
  hfy_structure_answer a;
  hfy_status status;
  asked = 0, list.lie = 0;
  if (fuzz_below(2))
    draw_listed(&list, &s);
  else
    draw_built_in(&s, states);
  if (!fuzz_below(4)) s.tol = fuzz_parameter();
  if (!fuzz_below(4)) s.max_active = fuzz_below(4);
  if (!fuzz_below(4)) s.max_steps = fuzz_below(9);
  n = s.unaries, m = s.higher;
  if (n > 100 || m > 100 || s.most > 100) return; /* no such structure: nothing is read */
  rho = fuzz_parameter();
  unary = (double *)fuzz_room(n * sizeof *unary), higher = (double *)fuzz_room(m * sizeof *higher);
  scores(unary, n), scores(higher, m);
  if (!fuzz_below(4)) higher = NULL;
  memset(&a, 0, sizeof a);
  a.room = room, a.value = 4, a.gap = 4;
  a.unary = doubles_out(n), a.higher = doubles_out(m), a.weight = doubles_out(room);
  a.count = (size_t *)fuzz_output(room * sizeof *a.count);
  a.on = (size_t *)fuzz_output(room * s.most * sizeof *a.on);
  status = hfy_structure_solve(&s, rho, unary, higher, &a, &fuzz_work);
  if (status == HFY_ERR_CONVERGENCE) fuzz_outputs = 0; /* it is written all the same */
  fuzz_kept("hfy_structure_solve", status);
  if (!status || status == HFY_ERR_CONVERGENCE) {
    all = a.vertices < room ? a.vertices : room;
    CHECK(a.value <= DBL_MAX && a.value >= -DBL_MAX && a.gap >= 0 && a.gap <= DBL_MAX && a.vertices > 0);
    for (i = 0; i < n; i++) CHECK(a.unary[i] >= 0 && a.unary[i] <= 1 + 1e-12);
    for (i = 0; i < m; i++) CHECK(a.higher[i] >= 0 && a.higher[i] <= 1 + 1e-12);
    for (i = 0; i < all; i++) total += a.weight[i];
    for (i = 0; i < all; i++) { /* those of weight 0, which complete the face, come last */
      CHECK(a.weight[i] > 0 || (i && a.weight[i] >= 0 && (i + 1 == all || !(a.weight[i + 1] > 0))));
      CHECK(is_vertex(&s, a.on + i * s.most, a.count[i]));
    }
    if (a.vertices <= room) {
      CHECK_NEAR(total, 1, 1e-12);
      du = (double *)fuzz_room(n * sizeof *du), scores(du, n);
      for (i = 0; i < n; i++) du[i] = fabs(du[i]) <= 1e100 ? du[i] : 1; /* products with them are numbers */
      du_unary = doubles_out(n), du_higher = doubles_out(m);
      if (FUZZ_KEPT(hfy_structure_vjp, (&s, rho, a.vertices, a.count, a.on, du, du_unary, du_higher, &fuzz_work)))
        for (i = 0; i < n + m; i++) CHECK(i < n ? du_unary[i] <= HUGE_VAL : du_higher[i - n] <= HUGE_VAL);
    }
  }
  on = (size_t *)fuzz_output(s.most * sizeof *on), count = (size_t *)fuzz_output(sizeof *count), v = doubles_out(1);
  if (!FUZZ_KEPT(hfy_structure_map, (&s, unary, higher, on, count, v, &fuzz_work)) ||
      !CHECK(*v <= HUGE_VAL))
    return;
  CHECK(is_vertex(&s, on, *count));
  if (fuzz_below(3) == 0 && *count) on[fuzz_below(*count)] = fuzz_below(n + m + 1);
  v = doubles_out(1);
  if (FUZZ_KEPT(hfy_structure_loss, (&s, rho, unary, higher, on, *count, v, &fuzz_work))) CHECK(*v >= 0);
  v = doubles_out(1);
  if (FUZZ_KEPT(hfy_structure_margin, (&s, rho, unary, higher, on, *count, v, &fuzz_work))) CHECK(*v <= 0);
}
