/* oracle.h: slow, plain long double versions of what the library computes, for the tests to compare with. Include it
   after hfy.h and check.h. Thresholds are found between brackets of the defining equation, supports by a linear scan over
   sorted scores, derivatives by finite differences: nothing here shares an algorithm with the library. */
#ifndef ORACLE_H
#define ORACLE_H

#include <float.h>

typedef long double wide;

#ifdef __clang__
#pragma clang diagnostic ignored "-Wdouble-promotion" /* widening to long double is the point of these tests */
#endif

#define ORACLE_MAX 1100 /* longest row */

/* One unit of what the library promises in double: 1e-12, more where long double is no wider than double. */
#define ORACLE_TOL (LDBL_MANT_DIG > 60 ? 1e-12 : 1e-10)
/* Real results: a few roundings to hfy_real. */
#define REAL_TOL(ulps) (ORACLE_TOL + (sizeof(hfy_real) == sizeof(float) ? (ulps)*REAL_EPS : 0.0))

static CHECK_UNUSED int oracle_finite(wide x) { return x - x == 0; }

static CHECK_UNUSED double oracle_or(double value, double otherwise) {
  return value > 0 || value < 0 ? value : otherwise;
}

/* What the last oracle_sep met: how far the score nearest to a threshold is from it, in units of the threshold's own
   variable. Small means that rounding may decide. */
static CHECK_UNUSED wide oracle_edge;
/* Which weights are 0, free or at an upper bound: changes at a kink. */
static CHECK_UNUSED unsigned long oracle_signature;

static CHECK_UNUSED void oracle_sign(unsigned long what) {
  oracle_signature = (oracle_signature ^ what) * 2654435761ul + 97;
}

static CHECK_UNUSED int oracle_ascending(const void *a, const void *b) {
  wide x = *(const wide *)a, y = *(const wide *)b;
  return x < y ? -1 : x > y;
}

static CHECK_UNUSED wide oracle_top(const wide *theta, size_t n) {
  size_t i;
  wide top = theta[0];
  for (i = 1; i < n; i++)
    if (theta[i] > top) top = theta[i];
  return top;
}

/* The weight at distance c below the largest weight s, a <= 1: (s^a - c)^(1/a). */
static CHECK_UNUSED wide oracle_drop(wide s, wide a, wide c) {
  wide x = expm1l(a * logl(s)) - c;
  if (fabsl(1 + x) < oracle_edge) oracle_edge = fabsl(1 + x);
  return x > -1 ? expl(log1pl(x) / a) : 0;
}

/* The weight at height c above the smallest weight u of the support, a > 1: (u^a + c)^(1/a). */
static CHECK_UNUSED wide oracle_lift(wide u, wide a, wide c) { return c > 0 ? powl(powl(u, a) + c, 1 / a) : u; }

/* Sums of the weights, less 1: by the largest weight, by the smallest one of n in the support (gaps ascending), by the
   threshold of normmax. */
static CHECK_UNUSED wide oracle_drops(wide s, wide a, const wide *gap, size_t n) {
  wide sum = -1;
  size_t i;
  for (i = 0; i < n; i++) sum += oracle_drop(s, a, a * gap[i]);
  return sum;
}

static CHECK_UNUSED wide oracle_lifts(wide u, wide a, const wide *gap, size_t n) {
  wide sum = -1;
  size_t i;
  for (i = 0; i < n; i++) sum += oracle_lift(u, a, a * (gap[n - 1] - gap[i]));
  return sum;
}

static CHECK_UNUSED wide oracle_powers(wide t, wide e, const wide *gap, size_t n) {
  wide sum = -1;
  size_t i;
  for (i = 0; i < n; i++) sum += t > gap[i] ? powl(t - gap[i], e) : 0;
  return sum;
}

/* Where a rising function of [0, 1] passes 0, to the last bits: `hi` is above, `lo` is not. Secants through both ends
   (that of an end which stays is halved), a bisection after two that did not halve the bracket. */
static CHECK_UNUSED void oracle_root(wide (*f)(wide, wide, const wide *, size_t), wide a, const wide *gap, size_t n,
                                     wide *lo, wide *hi) {
  wide at_lo = -1, at_hi = f(1, a, gap, n), x, y;
  int side = 0, slow = 0;
  *lo = 0, *hi = 1;
  while (*hi - *lo > 5e-23L && *hi - *lo > 2 * LDBL_EPSILON * *hi) {
    wide width = *hi - *lo, middle = (*lo + *hi) / 2;
    x = slow < 2 ? *lo - at_lo / (at_hi - at_lo) * width : middle;
    if (!(x > *lo && x < *hi)) x = middle;
    if (!(x > *lo && x < *hi)) break;
    y = f(x, a, gap, n);
    if (y > 0) {
      *hi = x, at_hi = y;
      if (side > 0) at_lo /= 2;
    } else {
      *lo = x, at_lo = y;
      if (side < 0) at_hi /= 2;
    }
    side = y > 0 ? 1 : -1;
    slow = slow < 2 && *hi - *lo > width / 2 ? slow + 1 : 0;
  }
}

static CHECK_UNUSED void oracle_entmax(wide alpha, const wide *theta, size_t n, wide *y) {
  static wide gap[ORACLE_MAX];
  wide a = alpha - 1, top = oracle_top(theta, n), sum = 0, lo, hi;
  size_t i, live = 0, last = 0;
  oracle_edge = 1;
  if (!oracle_finite(alpha) || (a <= 0 && a >= 0)) {
    for (i = 0; i < n; i++) sum += y[i] = oracle_finite(alpha) ? expl(theta[i] - top) : theta[i] >= top;
    for (i = 0; i < n; i++) y[i] /= sum;
    return;
  }
  for (i = 0; i < n; i++)
    if (oracle_finite(theta[i]) && a * (top - theta[i]) < 1) gap[live++] = top - theta[i];
  qsort(gap, live, sizeof *gap, oracle_ascending);
  if (a <= 1) { /* by the largest weight, s: dense for a < 0 */
    oracle_root(oracle_drops, a, gap, live, &lo, &hi);
    oracle_edge = 1;
    for (sum = 0, i = 0; i < n; i++)
      sum += y[i] = oracle_finite(top - theta[i]) ? oracle_drop(hi, a, a * (top - theta[i])) : 0;
    if (a < 0) oracle_edge = 1;
  } else { /* by the smallest weight, u, once the support is known */
    size_t k;
    for (k = 0; k < live;
         k++) { /* score k is in it if the scores above would not fill the simplex at its threshold */
      wide h = 0;
      for (i = 0; i < k && h <= 2; i++) h += gap[k] > gap[i] ? powl(a * (gap[k] - gap[i]), 1 / a) : 0;
      if (fabsl(1 - h) < oracle_edge) oracle_edge = fabsl(1 - h);
      if (!(h < 1)) break;
      last = k;
    }
    oracle_root(oracle_lifts, a, gap, last + 1, &lo, &hi);
    for (sum = 0, i = 0; i < n; i++)
      sum += y[i] = top - theta[i] <= gap[last] ? oracle_lift(hi, a, a * (gap[last] - (top - theta[i]))) : 0;
  }
  for (i = 0; i < n; i++) y[i] /= sum;
}

static CHECK_UNUSED void oracle_normmax(wide gamma, const wide *theta, size_t n, wide *y) {
  static wide sorted[ORACLE_MAX];
  wide top = oracle_top(theta, n), sum = 0, lo, t, e = gamma / (gamma - 1);
  size_t i, s;
  oracle_edge = 1;
  if (gamma <= 1) {
    for (i = 0; i < n; i++) sum += y[i] = theta[i] >= top;
  } else if (!oracle_finite(gamma)) {
    wide above = 0, cut = -1;
    for (i = 0; i < n; i++) sorted[i] = oracle_finite(theta[i]) ? top - theta[i] : HUGE_VALL;
    qsort(sorted, n, sizeof *sorted, oracle_ascending);
    for (s = 1; s < n && cut < 0; s++) { /* the first s whose mean is 1/s or more above the next score */
      above += sorted[s - 1];
      if (!oracle_finite(sorted[s]) || (wide)s * sorted[s] - above >= 1) cut = sorted[s - 1];
      if (oracle_finite(sorted[s]) && fabsl((wide)s * sorted[s] - above - 1) < oracle_edge)
        oracle_edge = fabsl((wide)s * sorted[s] - above - 1);
    }
    for (i = 0; i < n; i++) sum += y[i] = oracle_finite(theta[i]) && (cut < 0 || top - theta[i] <= cut);
  } else {
    for (s = i = 0; i < n; i++)
      if (top - theta[i] < 1) sorted[s++] = top - theta[i];
    oracle_root(oracle_powers, e, sorted, s, &lo, &t);
    t = lo;
    for (sum = 0, i = 0; i < n; i++) {
      wide w = t - (top - theta[i]);
      if (oracle_finite(w) && fabsl(w) < oracle_edge) oracle_edge = fabsl(w);
      sum += y[i] = w > 0 ? powl(w / t, 1 / (gamma - 1)) : 0;
    }
  }
  for (i = 0; i < n; i++) y[i] /= sum;
}

/* Euclidean projection of theta/rho onto lower <= y <= upper, sum y = total. Masked: lower. */
static CHECK_UNUSED void oracle_box(const wide *theta, size_t n, wide rho, const wide *lower, const wide *upper,
                                    wide total, wide *y) {
  wide least = HUGE_VALL, most = -HUGE_VALL, room = total + 1, widest = 0, lo, hi, tau, sum = 0, loose = 0;
  size_t i;
  int step;
  for (i = 0; i < n; i++) {
    room += fabsl(lower[i]);
    if (oracle_finite(upper[i]) && upper[i] > widest) widest = upper[i];
    if (!oracle_finite(theta[i])) continue;
    if (theta[i] / rho < least) least = theta[i] / rho;
    if (theta[i] / rho > most) most = theta[i] / rho;
  }
  lo = least - room - widest;
  hi = most + room;
  for (step = 0; step < 90; step++) {
    tau = (lo + hi) / 2;
    for (sum = 0, i = 0; i < n; i++) {
      wide v = theta[i] / rho - tau;
      sum += !oracle_finite(theta[i]) || v < lower[i] ? lower[i] : v > upper[i] ? upper[i] : v;
    }
    if (sum >= total)
      lo = tau;
    else
      hi = tau;
  }
  tau = lo;
  for (sum = 0, i = 0; i < n; i++) { /* the threshold again, from the set that bisection found to be free */
    wide v = theta[i] / rho - tau;
    if (!oracle_finite(theta[i]) || v <= lower[i])
      sum += lower[i];
    else if (v >= upper[i])
      sum += upper[i];
    else
      sum += theta[i] / rho, loose += 1;
  }
  if (loose > 0) tau = (sum - total) / loose;
  oracle_edge = 1;
  for (i = 0; i < n; i++) {
    wide v = theta[i] / rho - tau;
    y[i] = !oracle_finite(theta[i]) || v <= lower[i] ? lower[i] : v >= upper[i] ? upper[i] : v;
    if (!oracle_finite(theta[i])) continue;
    if (fabsl(v - lower[i]) < oracle_edge) oracle_edge = fabsl(v - lower[i]);
    if (fabsl(v - upper[i]) < oracle_edge) oracle_edge = fabsl(v - upper[i]);
    oracle_sign(v <= lower[i] ? 1 : v >= upper[i] ? 2 : 3);
  }
}

static CHECK_UNUSED wide oracle_power(wide x, wide exponent) {
  return x > 0 ? powl(x, exponent) : x < 0 ? -powl(-x, exponent) : 0;
}

/* The prediction for one row; lower, upper: the bounds of this row in long double, or NULL. */
static CHECK_UNUSED void oracle_sep_bounds(const hfy_sep *sep, const wide *theta, size_t n, const wide *lower,
                                           const wide *upper, wide *y) {
  static wide zero[ORACLE_MAX], above[ORACLE_MAX];
  wide top = oracle_top(theta, n), count = 0;
  size_t i, j, k;
  oracle_edge = 1;
  for (i = 0; i < n; i++) {
    zero[i] = 0;
    above[i] = sep->kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VALL;
    count += oracle_finite(theta[i]);
  }
  switch (sep->kind) {
  case HFY_SEP_SOFTMAX: oracle_entmax(1, theta, n, y); break;
  case HFY_SEP_ENTMAX: oracle_entmax(oracle_or(sep->alpha, 1.5), theta, n, y); break;
  case HFY_SEP_NORMMAX: oracle_normmax(oracle_or(sep->gamma, 2), theta, n, y); break;
  case HFY_SEP_SPARSEMAX: oracle_box(theta, n, 1, lower ? lower : zero, upper ? upper : above, 1, y); break;
  case HFY_SEP_KSUBSETS:
    oracle_box(theta, n, oracle_or(sep->rho, 1), lower ? lower : zero, upper ? upper : above, oracle_or(sep->k, 1), y);
    break;
  case HFY_SEP_IDENTITY:
    for (i = 0; i < n; i++) y[i] = oracle_finite(theta[i]) ? theta[i] : 0;
    break;
  case HFY_SEP_POWER:
    for (i = 0; i < n; i++)
      y[i] = oracle_finite(theta[i]) ? oracle_power(theta[i], oracle_or(sep->degree, 3) - 1) : 0;
    break;
  case HFY_SEP_EXP:
    for (i = 0; i < n; i++) y[i] = expl(theta[i]);
    break;
  case HFY_SEP_RECTIFIED:
  case HFY_SEP_EVEN:
    for (i = 0; i < n; i++) {
      const int off = !oracle_finite(theta[i]) || (theta[i] < 0 && sep->kind == HFY_SEP_RECTIFIED);
      y[i] = off ? 0 : powl(fabsl(theta[i]), (wide)oracle_or(sep->degree, 3) - 1);
      oracle_sign(theta[i] > 0);
    }
    break;
  case HFY_SEP_SEQUENCE_KSUBSETS: /* test_structure.c has its own */
  case HFY_SEP_SPARSEMAP:
  case HFY_SEP_ARGMAX:
    for (i = 0; i < n; i++) y[i] = 0;
    for (k = (size_t)oracle_or(sep->k, 1); k; k--) {
      for (j = n, i = 0; i < n; i++)
        if (!(y[i] > 0) && oracle_finite(theta[i]) && (j == n || theta[i] > theta[j])) j = i;
      y[j] = 1;
    }
    break;
  case HFY_SEP_UNIFORM:
    for (i = 0; i < n; i++) y[i] = oracle_finite(theta[i]) ? 1 / count : 0;
    break;
  }
  (void)top;
  for (i = 0; i < n; i++) oracle_sign(y[i] > 0 ? 3 : y[i] < 0 ? 2 : 1);
  if (sep->plus) {
    wide *more = (wide *)malloc(n * sizeof *more), edge = oracle_edge;
    if (!more) exit(3);
    oracle_sep_bounds(sep->plus, theta, n, NULL, NULL, more);
    for (i = 0; i < n; i++) y[i] += more[i];
    if (edge < oracle_edge) oracle_edge = edge;
    free(more);
  }
}

static CHECK_UNUSED void oracle_sep(const hfy_sep *sep, const wide *theta, size_t n, size_t row, wide *y) {
  static wide lower[ORACLE_MAX], upper[ORACLE_MAX];
  size_t i;
  for (i = 0; i < n; i++) {
    lower[i] = sep->lower ? sep->lower[row * sep->bound_stride + i] : 0;
    upper[i] = sep->upper ? sep->upper[row * sep->bound_stride + i] : sep->kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VALL;
  }
  oracle_sep_bounds(sep, theta, n, lower, upper, y);
}

/* Omega(y) for y in its domain. */
static CHECK_UNUSED wide oracle_omega(const hfy_sep *sep, const wide *y, size_t n) {
  wide sum = 0, top = 0, alpha = oracle_or(sep->alpha, 1.5), gamma = oracle_or(sep->gamma, 2);
  wide s = oracle_or(sep->degree, 3);
  size_t i;
  s = s / (s - 1);
  for (i = 0; i < n; i++)
    if (y[i] > top) top = y[i];
  switch (sep->kind) {
  case HFY_SEP_ENTMAX:
    if (!oracle_finite(alpha)) return 0;
    if (alpha > 1 || alpha < 1) {
      for (i = 0; i < n; i++)
        if (y[i] > 0) sum += y[i] * expm1l((alpha - 1) * logl(y[i])) / (alpha * (alpha - 1));
      return sum;
    }
    /* fall through */
  case HFY_SEP_SOFTMAX:
  case HFY_SEP_EXP:
    for (i = 0; i < n; i++) sum += (y[i] > 0 ? y[i] * logl(y[i]) : 0) - (sep->kind == HFY_SEP_EXP ? y[i] : 0);
    return sum;
  case HFY_SEP_NORMMAX:
    if (!oracle_finite(gamma)) return top - 1;
    for (i = 0; i < n; i++) sum += y[i] > 0 ? powl(y[i] / top, gamma) : 0;
    return top * powl(sum, 1 / gamma) - 1;
  case HFY_SEP_SPARSEMAX:
  case HFY_SEP_KSUBSETS:
  case HFY_SEP_IDENTITY:
    for (i = 0; i < n; i++) sum += y[i] * y[i] / 2;
    if (sep->kind == HFY_SEP_KSUBSETS) sum *= oracle_or(sep->rho, 1);
    if (sep->kind == HFY_SEP_SPARSEMAX && !sep->lower && !sep->upper) sum -= 0.5L;
    return sum;
  case HFY_SEP_POWER:
  case HFY_SEP_RECTIFIED:
    for (i = 0; i < n; i++) sum += powl(fabsl(y[i]), s) / s;
    return sum;
  case HFY_SEP_SEQUENCE_KSUBSETS: /* test_structure.c has its own */
  case HFY_SEP_SPARSEMAP:
  case HFY_SEP_ARGMAX:
  case HFY_SEP_EVEN: /* none */
  case HFY_SEP_UNIFORM: return 0;
  }
  return 0;
}

/* Omega*(theta) = theta.y - Omega(y) at the prediction. */
static CHECK_UNUSED wide oracle_conjugate(const hfy_sep *sep, const wide *theta, size_t n, size_t row) {
  static wide y[ORACLE_MAX];
  hfy_sep alone = *sep;
  wide sum;
  size_t i;
  alone.plus = NULL;
  oracle_sep(&alone, theta, n, row, y);
  sum = -oracle_omega(&alone, y, n);
  for (i = 0; i < n; i++)
    if (oracle_finite(theta[i]))
      sum += theta[i] * y[i] / (alone.kind == HFY_SEP_EVEN ? (wide)oracle_or(alone.degree, 3) : 1);
  return sep->plus ? sum + oracle_conjugate(sep->plus, theta, n, row) : sum;
}

/* --- post-transformations --- */

static CHECK_UNUSED void oracle_post(const hfy_post *post, const wide *z, const wide *previous, size_t n,
                                     const wide *gain, const wide *delta, const wide *matrix, wide *q) {
  wide sum = 0, square = 0, scale;
  size_t i, j;
  for (i = 0; i < n; i++) sum += z[i];
  switch (post->kind) {
  case HFY_POST_NONE:
    for (i = 0; i < n; i++) q[i] = z[i];
    break;
  case HFY_POST_TANH:
    for (i = 0; i < n; i++) q[i] = tanhl((wide)oracle_or(post->beta, 1) * z[i]);
    break;
  case HFY_POST_SIGN:
    for (i = 0; i < n; i++) {
      q[i] = z[i] > 0 ? 1 : z[i] < 0 ? -1 : previous ? previous[i] : 0;
      oracle_sign(z[i] > 0);
    }
    break;
  case HFY_POST_L2:
    for (i = 0; i < n; i++) square += z[i] * z[i];
    scale = sqrtl(square + (wide)post->eps);
    for (i = 0; i < n; i++) q[i] = scale > 0 ? oracle_or(post->radius, 1) * z[i] / scale : 0;
    break;
  case HFY_POST_LAYERNORM:
    for (i = 0; i < n; i++) square += (z[i] - sum / (wide)n) * (z[i] - sum / (wide)n);
    scale = sqrtl(square / (wide)(n - post->dof_minus) + (wide)post->eps);
    for (i = 0; i < n; i++)
      q[i] = (gain ? gain[i] : (wide)oracle_or(post->eta, 1)) * (scale > 0 ? (z[i] - sum / (wide)n) / scale : 0) +
             (delta ? delta[i] : 0);
    break;
  case HFY_POST_LINEAR:
    for (i = 0; i < n; i++)
      for (q[i] = 0, j = 0; j < n; j++) q[i] += matrix[i * n + j] * z[j];
    break;
  case HFY_POST_RECTIFIED_POWER:
    for (i = 0; i < n; i++) {
      wide x = z[i] - (wide)post->theta, sigma = post->sigma, pi = 3.14159265358979323846264338327950288L;
      if (sigma > 0) {
        wide s = pi * x / sigma;
        x = sigma / pi * (s > 0 ? s + log1pl(expl(-s)) : log1pl(expl(s)));
      } else {
        oracle_sign(x > 0);
      }
      q[i] = x > 0 ? powl(x, oracle_or(post->power, 1)) : 0;
    }
    break;
  }
}

/* --- the net --- */

#define ORACLE_DIM 40
#define ORACLE_COUNT 40
#define ORACLE_QUERIES 8

/* A net and its queries in long double: every number that retrieval is a function of. */
typedef struct oracle_memory {
  hfy_net net; /* with defaults filled in */
  size_t n_queries;
  wide beta, alpha, gamma, step, null_score;
  wide keys[ORACLE_COUNT * ORACLE_DIM], values[ORACLE_COUNT * ORACLE_DIM], readout[ORACLE_COUNT * ORACLE_DIM];
  wide bias[ORACLE_QUERIES * ORACLE_COUNT], self_coupling[ORACLE_DIM], queries[ORACLE_QUERIES * ORACLE_DIM];
  wide gain[ORACLE_DIM], delta[ORACLE_DIM], matrix[ORACLE_DIM * ORACLE_DIM];
} oracle_memory;

static CHECK_UNUSED void oracle_copy(const hfy_real *from, size_t rows, size_t n, size_t stride, wide *to) {
  size_t i, j;
  for (i = 0; from && i < rows; i++)
    for (j = 0; j < n; j++) to[i * n + j] = from[i * stride + j];
}

/* Fills defaults in on its own, by the words of the interface. */
static CHECK_UNUSED void oracle_load(oracle_memory *m, const hfy_net *net, const hfy_real *queries, size_t n_queries) {
  size_t D = net->dim, N = net->count, ks = net->key_stride ? net->key_stride : D;
  int polytope = net->sep.kind != HFY_SEP_IDENTITY && net->sep.kind != HFY_SEP_POWER && net->sep.kind != HFY_SEP_EXP &&
                 net->sep.kind <= HFY_SEP_UNIFORM;
  if (D > ORACLE_DIM || N > ORACLE_COUNT || n_queries > ORACLE_QUERIES || net->readout_dim > ORACLE_DIM) exit(3);
  m->net = *net;
  m->n_queries = n_queries;
  m->beta = net->beta > 0 ? (wide)net->beta : net->sim == HFY_SIM_DOT && polytope ? 1 / sqrtl((wide)D) : 1;
  m->alpha = oracle_or(net->sep.alpha, 1.5);
  m->gamma = oracle_or(net->sep.gamma, 2);
  m->step = oracle_or(net->step, 1);
  m->null_score = (hfy_real)net->null_score;
  if (!net->max_steps) m->net.max_steps = 1;
  oracle_copy(net->keys, N, D, ks, m->keys);
  if (net->values)
    oracle_copy(net->values, N, D, net->value_stride ? net->value_stride : D, m->values);
  else
    oracle_copy(net->keys, N, D, ks, m->values);
  if (net->readout)
    oracle_copy(net->readout, N, net->readout_dim, net->readout_stride ? net->readout_stride : net->readout_dim,
                m->readout);
  if (net->bias) oracle_copy(net->bias, net->bias_stride ? n_queries : 1, N, net->bias_stride, m->bias);
  if (net->self_coupling) oracle_copy(net->self_coupling, 1, D, D, m->self_coupling);
  oracle_copy(queries, n_queries, D, D, m->queries);
  if (net->post.gain) oracle_copy(net->post.gain, 1, D, D, m->gain);
  if (net->post.delta) oracle_copy(net->post.delta, 1, D, D, m->delta);
  if (net->post.matrix) oracle_copy(net->post.matrix, D, D, D, m->matrix);
}

/* The scores of query j at state q; after them that of a null pattern. */
static CHECK_UNUSED void oracle_scores(const oracle_memory *m, const wide *q, size_t j, wide *theta) {
  size_t i, d, D = m->net.dim, N = m->net.count;
  for (i = 0; i < N; i++) {
    wide dot = 0, far = 0, taxi = 0, x2 = 0, q2 = 0, sim = 0;
    for (d = 0; d < D; d++) {
      wide x = m->keys[i * D + d];
      dot += x * q[d];
      x2 += x * x;
      q2 += q[d] * q[d];
      far += (x - q[d]) * (x - q[d]);
      taxi += fabsl(x - q[d]);
      if (m->net.sim == HFY_SIM_MANHATTAN) oracle_sign(x > q[d]);
    }
    if (m->net.sim == HFY_SIM_DOT) sim = dot;
    if (m->net.sim == HFY_SIM_COSINE) sim = x2 > 0 && q2 > 0 ? dot / sqrtl(x2) / sqrtl(q2) : 0;
    if (m->net.sim == HFY_SIM_EUCLIDEAN) sim = -far / 2;
    if (m->net.sim == HFY_SIM_MANHATTAN) sim = -taxi;
    theta[i] = m->beta * sim + (m->net.bias ? m->bias[(m->net.bias_stride ? j : 0) * N + i] : 0);
    if (m->net.bias && !oracle_finite(m->bias[(m->net.bias_stride ? j : 0) * N + i])) theta[i] = -HUGE_VALL;
    if (m->net.visible && i >= m->net.visible[j]) theta[i] = -HUGE_VALL;
  }
  if (m->net.null_pattern) theta[N] = m->null_score;
}

/* Runs query j for `steps` updates; states: (steps+1) x dim, p: the last step's weights, out: the answer. */
static CHECK_UNUSED void oracle_retrieve(const oracle_memory *m, size_t j, size_t steps, wide *states, wide *p,
                                         wide *out) {
  wide theta[ORACLE_COUNT + 1], all[ORACLE_COUNT + 1], z[ORACLE_DIM], f[ORACLE_DIM];
  size_t t, i, d, D = m->net.dim, N = m->net.count, V = m->net.readout_dim, row = N + (m->net.null_pattern != 0);
  hfy_sep sep = m->net.sep;
  for (d = 0; d < D; d++) states[d] = m->queries[j * D + d];
  for (t = 0; t < steps; t++) {
    wide *q = states + t * D, *next = q + D;
    oracle_scores(m, q, j, theta);
    if (sep.kind == HFY_SEP_ENTMAX && !sep.plus)
      oracle_entmax(m->alpha, theta, row, all);
    else if (sep.kind == HFY_SEP_NORMMAX && !sep.plus)
      oracle_normmax(m->gamma, theta, row, all);
    else
      oracle_sep(&sep, theta, row, j, all);
    for (i = 0; i < N; i++) p[i] = all[i];
    for (i = 0; i < row; i++) oracle_sign(all[i] > 0 ? 1 : all[i] < 0 ? 2 : 3);
    for (d = 0; d < D; d++) {
      for (z[d] = 0, i = 0; i < N; i++)
        if (p[i] > 0 || p[i] < 0) z[d] += p[i] * m->values[i * D + d];
      if (m->net.self_coupling) z[d] -= m->self_coupling[d] * q[d];
    }
    oracle_post(&m->net.post, z, q, D, m->net.post.gain ? m->gain : NULL, m->net.post.delta ? m->delta : NULL,
                m->matrix, f);
    for (d = 0; d < D; d++) next[d] = q[d] + m->step * (f[d] - q[d]);
  }
  if (!out) return;
  if (m->net.readout)
    for (d = 0; d < V; d++) {
      for (out[d] = 0, i = 0; i < N; i++)
        if (p[i] > 0 || p[i] < 0) out[d] += p[i] * m->readout[i * V + d];
    }
  else
    for (d = 0; d < D; d++) out[d] = states[steps * D + d];
}

/* E in long double; `signature` changes at a kink of Omega* */
static CHECK_UNUSED wide oracle_energy(const oracle_memory *m, const wide *q, size_t j, unsigned long *signature) {
  const hfy_post *post = &m->net.post;
  wide theta[ORACLE_COUNT + 1], sum = 0, square = 0;
  wide beta = oracle_or(post->beta, 1), radius = oracle_or(post->radius, 1);
  wide p = oracle_or(post->power, 1), dof = (wide)m->net.dim - (wide)post->dof_minus, row[ORACLE_DIM];
  size_t d, e, D = m->net.dim;
  oracle_signature = 0;
  oracle_scores(m, q, j, theta);
  sum = -oracle_conjugate(&m->net.sep, theta, m->net.count + (m->net.null_pattern != 0), j) / m->beta;
  *signature = oracle_signature;
  for (d = 0; d < D; d++) {
    row[d] = q[d] - (post->kind == HFY_POST_LAYERNORM && post->delta ? m->delta[d] : 0);
    square += row[d] * row[d];
    if (m->net.self_coupling) sum += m->self_coupling[d] * q[d] * q[d] / 2;
    if (post->kind == HFY_POST_NONE) sum += q[d] * q[d] / 2;
    if (post->kind == HFY_POST_TANH)
      sum += ((1 + q[d]) * logl((1 + q[d]) / 2) + (1 - q[d]) * logl((1 - q[d]) / 2)) / (2 * beta);
    if (post->kind == HFY_POST_RECTIFIED_POWER)
      sum += q[d] * (wide)post->theta + p / (p + 1) * powl(q[d], (p + 1) / p);
  }
  if (post->kind == HFY_POST_L2) sum -= sqrtl((wide)post->eps * (radius * radius - square));
  if (post->kind == HFY_POST_LAYERNORM) {
    radius = oracle_or(post->eta, 1) * sqrtl(dof);
    sum -= sqrtl((wide)post->eps * dof * (radius * radius - square));
  }
  if (post->kind == HFY_POST_LINEAR) { /* 1/2 q.A^-1 q by elimination without pivots: A is definite */
    wide a[ORACLE_DIM][ORACLE_DIM + 1], x[ORACLE_DIM];
    size_t k;
    for (d = 0; d < D; d++)
      for (a[d][D] = q[d], e = 0; e < D; e++) a[d][e] = m->matrix[d * D + e];
    for (k = 0; k < D; k++)
      for (d = k + 1; d < D; d++) {
        wide factor = a[d][k] / a[k][k];
        for (e = k; e <= D; e++) a[d][e] -= factor * a[k][e];
      }
    for (d = D; d--;) {
      x[d] = a[d][D];
      for (e = d + 1; e < D; e++) x[d] -= a[d][e] * x[e];
      x[d] /= a[d][d];
      sum += q[d] * x[d] / 2;
    }
  }
  return sum;
}

#endif
