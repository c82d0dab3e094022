/* test_post.c: post-transformations against golden rows, a plain reference in double, finite differences and the
   Fenchel-Young identities; and the Cholesky factorization below them. */
#define HFY_STATIC /* what no test reaches is not compiled */
#define HFY_IMPLEMENTATION
#include "../hfy.h"
#include "check.h"

#define N_MAX 12
#ifdef HFY_DOUBLE
#define GOLD 1e-12
#else
#define GOLD 4e-7 /* inputs and outputs are rounded to float */
#endif

static const double f2[5] = {1.0716, -1.1221, -0.3288, 0.3368, 0.0425};
static const double v5[5] = {0.3, -0.7, 1.1, 0.2, -0.5};

static void to_real(const double *x, size_t n, hfy_real *out) {
  size_t i;
  for (i = 0; i < n; i++) out[i] = (hfy_real)x[i];
}

static double bits_nan(void) {
  const uint64_t bits = UINT64_C(0x7FF8000000000000);
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* --- a plain reference: formulas as they stand in the books, in double --- */

typedef struct reference {
  hfy_post_kind kind;
  double beta, radius, eta, eps, power, sigma, theta;
  size_t dof_minus;
  double gain[N_MAX], delta[N_MAX], matrix[N_MAX * N_MAX];
} reference;

static double ref_rectify(const reference *r, double v) {
  const double pi = 3.14159265358979323846;
  if (!(r->sigma > 0)) return v > 0 ? pow(v, r->power) : 0;
  return pow(r->sigma / pi * log(1 + exp(pi * v / r->sigma)), r->power);
}

static void ref_apply(const reference *r, const double *z, size_t n, double *q) {
  double mean = 0, square = 0;
  size_t i, j;
  for (i = 0; i < n; i++) mean += z[i] / (double)n;
  if (r->kind != HFY_POST_LAYERNORM) mean = 0;
  for (i = 0; i < n; i++) square += (z[i] - mean) * (z[i] - mean);
  for (i = 0; i < n; i++) {
    switch (r->kind) {
    case HFY_POST_NONE: q[i] = z[i]; break;
    case HFY_POST_TANH: q[i] = tanh(r->beta * z[i]); break;
    case HFY_POST_SIGN: q[i] = (z[i] > 0) - (z[i] < 0); break;
    case HFY_POST_L2: q[i] = r->radius * z[i] / sqrt(square + r->eps); break;
    case HFY_POST_LAYERNORM:
      q[i] = r->gain[i] * (z[i] - mean) / sqrt(square / (double)(n - r->dof_minus) + r->eps) + r->delta[i];
      break;
    case HFY_POST_LINEAR:
      q[i] = 0;
      for (j = 0; j < n; j++) q[i] += r->matrix[i * n + j] * z[j];
      break;
    case HFY_POST_RECTIFIED_POWER: q[i] = ref_rectify(r, z[i] - r->theta); break;
    }
  }
}

/* The same in the library's words; a holds what post points to. */
typedef struct arrays {
  hfy_real gain[N_MAX], delta[N_MAX], matrix[N_MAX * N_MAX];
} arrays;

static hfy_post make_post(const reference *r, size_t n, int with_gain, arrays *a) {
  hfy_post post = {0};
  post.kind = r->kind;
  post.beta = r->beta, post.radius = r->radius, post.eta = r->eta, post.eps = r->eps;
  post.power = r->power, post.sigma = r->sigma, post.theta = r->theta, post.dof_minus = r->dof_minus;
  to_real(r->gain, n, a->gain);
  to_real(r->delta, n, a->delta);
  to_real(r->matrix, n * n, a->matrix);
  if (with_gain) post.gain = a->gain;
  post.delta = a->delta;
  post.matrix = a->matrix;
  return post;
}

/* Random numbers that float holds exactly, so that both precisions see the same problem. */
static double draw(hfy_rng *rng, double scale) { return (double)(float)(scale * hfy_rng_normal(rng)); }

static double draw_positive(hfy_rng *rng) { return (double)(float)(0.2 + 2 * hfy_rng_uniform(rng)); }

static reference random_reference(hfy_rng *rng, hfy_post_kind kind, size_t n, int with_gain) {
  reference r;
  size_t i, j;
  memset(&r, 0, sizeof r);
  r.kind = kind;
  r.beta = draw_positive(rng), r.radius = draw_positive(rng), r.eta = draw_positive(rng);
  r.eps = hfy_rng_sign(rng) > 0 ? draw_positive(rng) : 0;
  r.power = draw_positive(rng), r.sigma = hfy_rng_sign(rng) > 0 ? draw_positive(rng) : 0, r.theta = draw(rng, 0.5);
  r.dof_minus = n > 2 && hfy_rng_sign(rng) > 0;
  for (i = 0; i < n; i++) {
    r.gain[i] = with_gain ? draw(rng, 1) : r.eta;
    r.delta[i] = draw(rng, 1);
    for (j = 0; j < n; j++) r.matrix[i * n + j] = draw(rng, 1);
  }
  return r;
}

/* A symmetric positive definite matrix. */
static void make_definite(hfy_rng *rng, double *a, size_t n) {
  double b[N_MAX * N_MAX];
  size_t i, j, k;
  for (i = 0; i < n * n; i++) b[i] = draw(rng, 1);
  for (i = 0; i < n; i++)
    for (j = 0; j <= i; j++) {
      double sum = i == j ? 0.5 : 0;
      for (k = 0; k < n; k++) sum += b[i * n + k] * b[j * n + k];
      a[i * n + j] = a[j * n + i] = (double)(float)sum;
    }
}

/* --- linalg --- */

TEST(cholesky_factors_and_solves) {
  hfy_rng rng = hfy_rng_seed(11);
  double a[40 * 40], l[40 * 40], x[40], b[40];
  size_t n, i, j, k;
  for (n = 1; n <= 40; n += 1 + n / 4) {
    for (i = 0; i < n * n; i++) l[i] = hfy_rng_normal(&rng);
    for (i = 0; i < n; i++)
      for (j = 0; j < n; j++) {
        double sum = i == j ? 1 : 0;
        for (k = 0; k < n; k++) sum += l[i * n + k] * l[j * n + k];
        a[i * n + j] = sum;
      }
    memcpy(l, a, sizeof l);
    for (i = 0; i < n; i++)
      for (j = i + 1; j < n; j++) l[i * n + j] = 1e300; /* above the diagonal: neither read nor changed */
    CHECK(hfy_linalg_cholesky_(l, n) == HFY_OK);
    for (i = 0; i < n; i++) {
      for (j = 0; j <= i; j++) {
        double sum = 0;
        for (k = 0; k <= j; k++) sum += l[i * n + k] * l[j * n + k];
        CHECK_NEAR(sum, a[i * n + j], 1e-13);
      }
      for (j = i + 1; j < n; j++) CHECK_EQ(l[i * n + j], 1e300);
      x[i] = b[i] = hfy_rng_normal(&rng);
    }
    hfy_linalg_cholesky_solve_(l, n, n, x);
    for (i = 0; i < n; i++) {
      double sum = 0;
      for (j = 0; j < n; j++) sum += a[i * n + j] * x[j];
      CHECK_NEAR(sum, b[i], 1e-12);
    }
    memcpy(x, b, sizeof x);
    hfy_linalg_cholesky_forward_(l, n, n, x);
    for (i = 0; i < n; i++) {
      double sum = 0;
      for (j = 0; j <= i; j++) sum += l[i * n + j] * x[j];
      CHECK_NEAR(sum, b[i], 1e-12);
    }
  }
}

TEST(cholesky_refuses) {
  double indefinite[4] = {1, 2, 2, 1}, singular[4] = {1, 1, 1, 1}, negative[1] = {-1}, zero[1] = {0};
  double poison[4] = {1, 0, 0, 0}, scaled[4] = {1e-200, 0, 0, 1e200}, gram[16], v[4 * 3];
  hfy_rng rng = hfy_rng_seed(5);
  size_t i, j, k;
  int seed, told = 0;
  CHECK(hfy_linalg_cholesky_(indefinite, 2) == HFY_ERR_SINGULAR);
  CHECK(hfy_linalg_cholesky_(singular, 2) == HFY_ERR_SINGULAR);
  CHECK(hfy_linalg_cholesky_(negative, 1) == HFY_ERR_SINGULAR);
  CHECK(hfy_linalg_cholesky_(zero, 1) == HFY_ERR_SINGULAR);
  poison[3] = bits_nan();
  CHECK(hfy_linalg_cholesky_(poison, 2) == HFY_ERR_SINGULAR);
  poison[3] = HUGE_VAL;
  CHECK(hfy_linalg_cholesky_(poison, 2) == HFY_ERR_SINGULAR);
  CHECK(hfy_linalg_cholesky_(scaled, 2) == HFY_OK); /* badly scaled is not singular */
  for (seed = 0; seed < 50; seed++) { /* rank 3 of 4: what is left of the last pivot is rounding, of either sign */
    for (i = 0; i < 12; i++) v[i] = hfy_rng_normal(&rng);
    for (i = 0; i < 4; i++)
      for (j = 0; j < 4; j++)
        for (gram[i * 4 + j] = 0, k = 0; k < 3; k++) gram[i * 4 + j] += v[i * 3 + k] * v[j * 3 + k];
    told += hfy_linalg_cholesky_(gram, 4) == HFY_ERR_SINGULAR;
  }
  CHECK(told >= 45);
}

/* --- golden rows T048 .. T056 --- */

static void golden(const hfy_post *post, const double *q_want, double psi_want, double conjugate_want,
                   const double *vjp_want) {
  hfy_real z[5], v[5], q[5], dz[5];
  double psi = 0, conjugate = 0, qz = 0;
  hfy_post_grad grad = {0};
  size_t i;
  to_real(f2, 5, z);
  to_real(v5, 5, v);
  grad.z = dz;
  CHECK(hfy_post_apply(post, z, NULL, 1, 5, q, NULL) == HFY_OK);
  CHECK(hfy_post_vjp(post, z, v, 1, 5, &grad, NULL) == HFY_OK);
  CHECK(hfy_post_value(post, q, 1, 5, &psi, NULL) == HFY_OK);
  CHECK(hfy_post_conjugate(post, z, 1, 5, &conjugate, NULL) == HFY_OK);
  for (i = 0; i < 5; i++) {
    CHECK_NEAR(q[i], q_want[i], GOLD);
    CHECK_NEAR(dz[i], vjp_want[i], GOLD);
    qz += (double)q[i] * (double)z[i];
  }
#ifdef HFY_DOUBLE
  CHECK_NEAR(psi, psi_want, 1e-12);
#else
  CHECK_NEAR(psi, psi_want, post->eps > 0 ? 1e-4 : 1e-6); /* the root of a difference of rounded numbers */
#endif
  CHECK_NEAR(conjugate, conjugate_want, GOLD);
  CHECK_NEAR(psi + conjugate, qz, post->eps > 0 ? 300 * GOLD : 4 * GOLD);
}

/* Wherever a number stands among how many, its exponent tells. */
TEST(finite_rows) {
  const hfy_real huge = (hfy_real)(sizeof(hfy_real) == 4 ? (double)FLT_MAX : DBL_MAX), tiny = (hfy_real)1 / huge / 4;
  const hfy_real good[] = {huge, -huge, tiny, -tiny, (hfy_real)-0.0, 1};
  const hfy_real bad[] = {(hfy_real)HUGE_VAL, -(hfy_real)HUGE_VAL, (hfy_real)bits_nan(), -(hfy_real)bits_nan()};
  hfy_real x[40];
  size_t n, i, k;
  for (n = 0; n < 40; n++) {
    for (i = 0; i < n; i++) x[i] = good[(i * 7 + n) % 6];
    CHECK(hfy_post_finite_(x, n));
    for (i = 0; i < n; i++)
      for (k = 0; k < 4; k++) {
        const hfy_real keep = x[i];
        x[i] = bad[k];
        CHECK(!hfy_post_finite_(x, n));
        x[i] = keep;
      }
  }
}

TEST(golden_tanh) /* T048 */
{
  const double q[5] = {0.883846676800217, -0.897405657619197, -0.403179661676716, 0.411852423580675, 0.055193850532865};
  const double vjp[5] = {0.0853378702445929, -0.177143407962482, 1.19754800938666, 0.215898171109588,
                         -0.648019865261181};
  hfy_post post = {0};
  post.kind = HFY_POST_TANH;
  post.beta = 1.3;
  golden(&post, q, -1.79296378298319, 4.02069587792572, vjp);
}

TEST(golden_l2) /* T049 */
{
  const double q[5] = {1.32135657590183, -1.38362655264972, -0.405433036726877, 0.41529758749882, 0.0524054259759497};
  const double vjp[5] = {-0.0275634455834759, -0.446932339536343, 1.47833613794132, 0.12168595600803,
                         -0.63229877023236};
  hfy_post post = {0};
  post.kind = HFY_POST_L2;
  post.radius = 2;
  golden(&post, q, 0, 3.24393890201403, vjp);
}

TEST(golden_l2_eps) /* T050 */
{
  const double q[5] = {1.3188523775048, -1.38100434191688, -0.40466467126127, 0.41451052700972, 0.0523061086636374};
  const double vjp[5] = {-0.0260088865839167, -0.447658445355057, 1.47507347754988, 0.121927514367843,
                         -0.631040872556277};
  hfy_post post = {0};
  post.kind = HFY_POST_L2;
  post.radius = 2;
  post.eps = 0.01;
  golden(&post, q, -0.0123073196855617, 3.25009839851042, vjp);
}

TEST(golden_layernorm) /* T051 */
{
  const double q[5] = {2.31598234467464, -2.32041227039885, -0.779931872834099, 0.896475227404272, -0.112113428845957};
  const double vjp[5] = {-0.211658849215804, -0.914961865111437, 2.31381152782175, 0.0386400064540258,
                         -1.22583081994854};
  const double delta[5] = {0.1, 0, -0.1, 0.2, -0.2};
  hfy_real shift[5];
  hfy_post post = {0};
  to_real(delta, 5, shift);
  post.kind = HFY_POST_LAYERNORM;
  post.eta = 1.5;
  post.delta = shift;
  golden(&post, q, 0, 5.63915092481955, vjp);
}

TEST(golden_layernorm_unbiased) /* T052 */
{
  const double q[5] = {1.32135656585649, -1.38362654213099, -0.405433033644656, 0.415297584341606, 0.0524054255775483};
  const double vjp[5] = {-0.126208946299851, -0.545577849436525, 1.37969061787872, 0.0230404500129109,
                         -0.730944272155251};
  hfy_post post = {0};
  post.kind = HFY_POST_LAYERNORM;
  post.dof_minus = 1;
  post.eps = 1e-8;
  golden(&post, q, -4.93227536944006e-08, 3.24393892667541, vjp);
}

TEST(golden_layernorm_biased) /* T053 */
{
  const double q[5] = {1.47730752452565, -1.54692681342873, -0.453283607749191, 0.464312405991264, 0.0585904906610116};
  const double vjp[5] = {-0.14109611266399, -0.609977624258513, 1.54252376872425, 0.0257624140348713,
                         -0.817212445836617};
  hfy_post post = {0};
  post.kind = HFY_POST_LAYERNORM;
  post.eps = 1e-5;
  golden(&post, q, -6.89299890131742e-05, 3.62686841503797, vjp);
}

TEST(golden_linear) /* T054 */
{
  const double q[5] = {2.70425, -2.6156, -0.26495, 0.81675, -0.0834};
  const double vjp[5] = {0.95, -2.1, 2.45, 0.1, -1.1};
  hfy_real a[25] = {0};
  hfy_post post = {0};
  size_t i;
  for (i = 0; i < 5; i++) {
    a[i * 5 + i] = 2;
    if (i) a[i * 5 + i - 1] = a[(i - 1) * 5 + i] = (hfy_real)-0.5;
  }
  post.kind = HFY_POST_LINEAR;
  post.matrix = a;
  golden(&post, q, 3.09574576, 3.09574576, vjp);
}

TEST(golden_sign_and_degenerate) /* T055, T056 */
{
  const hfy_real z[3] = {1, -2, 0}, previous[3] = {1, 1, -1}, zero[3] = {0, 0, 0}, four[3] = {4, 4, 4};
  const hfy_real delta[3] = {(hfy_real)0.1, (hfy_real)0.2, (hfy_real)0.3};
  hfy_real q[3];
  double value = 0;
  hfy_post post = {0};
  size_t i;
  post.kind = HFY_POST_SIGN;
  CHECK(hfy_post_apply(&post, z, previous, 1, 3, q, NULL) == HFY_OK);
  CHECK_EQ(q[0], 1);
  CHECK_EQ(q[1], -1);
  CHECK_EQ(q[2], -1);
  CHECK(hfy_post_conjugate(&post, z, 1, 3, &value, NULL) == HFY_OK);
  CHECK_EQ(value, 3);
  CHECK(hfy_post_value(&post, q, 1, 3, &value, NULL) == HFY_OK);
  CHECK_EQ(value, 0);
  post.kind = HFY_POST_L2;
  post.radius = 2;
  CHECK(hfy_post_apply(&post, zero, NULL, 1, 3, q, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_EQ(q[i], 0);
  post.kind = HFY_POST_LAYERNORM;
  post.delta = delta;
  CHECK(hfy_post_apply(&post, four, NULL, 1, 3, q, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_EQ(q[i], delta[i]);
}

TEST(golden_rectified_power) /* RATE, rows B.g and B.g' */
{
  static const double row[][5] = {/* n, sigma, v, g, g' */
                  {1, 1, 0, 0.220635600152652, 0.5},
                  {1.5, 0.7, 0.3, 0.208419105586985, 0.705731043668612},
                  {0.5, 2, -3, 0.0754546621503664, 0.0589977460812034},
                  {2, 0.1, -2, 2.69554198669231e-58, 1.69365898056708e-56},
                  {1.5, 0.01, 50, 353.553390593274, 10.6066017177982},
                  {1, 1, -200, 4.24208492746319e-274, 1.33269028440223e-273}};
  hfy_post post = {0};
  size_t i;
  post.kind = HFY_POST_RECTIFIED_POWER;
  for (i = 0; i < sizeof row / sizeof row[0]; i++) {
    hfy_real z = (hfy_real)row[i][2], q = 0, dz = 0, one = 1;
    hfy_post_grad grad = {0};
    grad.z = &dz;
    post.power = row[i][0], post.sigma = row[i][1];
    CHECK(hfy_post_apply(&post, &z, NULL, 1, 1, &q, NULL) == HFY_OK);
    CHECK(hfy_post_vjp(&post, &z, &one, 1, 1, &grad, NULL) == HFY_OK);
#ifdef HFY_DOUBLE
    CHECK_NEAR(q / row[i][3], 1, 1e-12);
    CHECK_NEAR(dz / row[i][4], 1, 1e-12);
#else
    CHECK_NEAR(q, row[i][3], 1e-6);
    CHECK_NEAR(dz, row[i][4], 1e-6);
#endif
  }
}

/* --- against the plain reference --- */

TEST(apply_agrees_with_reference) {
  hfy_rng rng = hfy_rng_seed(1);
  int kind, seed;
  for (kind = HFY_POST_NONE; kind <= HFY_POST_RECTIFIED_POWER; kind++)
    for (seed = 0; seed < 60; seed++) {
      size_t n = 1 + (size_t)(hfy_rng_u64(&rng) % (N_MAX - 1)), i, j;
      int with_gain = seed % 3 == 0;
      reference r = random_reference(&rng, (hfy_post_kind)kind, n, with_gain);
      double z[3 * N_MAX], want[N_MAX];
      hfy_real zr[3 * N_MAX], q[3 * N_MAX], alone[N_MAX];
      arrays a;
      hfy_post post = make_post(&r, n, with_gain, &a);
      for (i = 0; i < 3 * n; i++) z[i] = draw(&rng, 1.5);
      to_real(z, 3 * n, zr);
      CHECK(hfy_post_apply(&post, zr, NULL, 3, n, q, NULL) == HFY_OK);
      for (j = 0; j < 3; j++) {
        ref_apply(&r, z + j * n, n, want);
        if (kind == HFY_POST_LAYERNORM && n == 1) want[0] = r.delta[0];
        for (i = 0; i < n; i++) CHECK_NEAR(q[j * n + i], want[i], 4 * REAL_EPS + 1e-13);
        CHECK(hfy_post_apply(&post, zr + j * n, NULL, 1, n, alone, NULL) == HFY_OK); /* no batch dependence */
        CHECK(!memcmp(alone, q + j * n, n * sizeof *q));
      }
      CHECK(hfy_post_apply(&post, zr, NULL, 3, n, zr, NULL) == HFY_OK); /* in place */
      CHECK(!memcmp(zr, q, 3 * n * sizeof *q));
    }
}

/* d<dq, q>/d(what *x is), by central differences of the reference; rows are summed. */
static double difference(const reference *r, double *x, const double *z, const double *dq, size_t rows, size_t n) {
  const double step = 1e-5, was = *x;
  double slope = 0, q[N_MAX];
  size_t i, j;
  int side;
  for (side = -2; side <= 2; side++) { /* fourth order */
    const double weight = side == 0 ? 0 : (side == 1 || side == -1 ? 8.0 : -1.0) * (side > 0 ? 1 : -1);
    *x = was + side * step;
    for (j = 0; side && j < rows; j++) {
      ref_apply(r, z + j * n, n, q);
      for (i = 0; i < n; i++) slope += weight * q[i] * dq[j * n + i];
    }
  }
  *x = was;
  return slope / (12 * step);
}

TEST(vjp_agrees_with_differences) {
  hfy_rng rng = hfy_rng_seed(2);
  int kind, seed;
  for (kind = HFY_POST_NONE; kind <= HFY_POST_RECTIFIED_POWER; kind++)
    for (seed = 0; seed < 60; seed++) {
      size_t n = 2 + (size_t)(hfy_rng_u64(&rng) % (N_MAX - 2)), i, rows = 2;
      int with_gain = seed % 2;
      reference r = random_reference(&rng, (hfy_post_kind)kind, n, with_gain);
      double z[2 * N_MAX], dq[2 * N_MAX], tol = 3e-8 + 30 * REAL_EPS;
      hfy_real zr[2 * N_MAX], dqr[2 * N_MAX], dz[2 * N_MAX], in_place[2 * N_MAX];
      hfy_real gain[N_MAX], delta[N_MAX], matrix[N_MAX * N_MAX];
      double numbers[4] = {7, 7, 7, 7}, again[4], slope, *of[4] = {NULL, NULL, NULL, NULL};
      hfy_post_grad grad = {0};
      arrays a;
      hfy_post post;
      if (n == 2 && kind == HFY_POST_LAYERNORM && r.eps == 0) r.eps = 0.5; /* +-1 whatever z is: nothing to see */
      post = make_post(&r, n, with_gain, &a);
      for (i = 0; i < rows * n; i++) {
        do
          z[i] = draw(&rng, 1.5);
        while ((kind == HFY_POST_RECTIFIED_POWER && fabs(z[i] - r.theta) < 0.1) || /* kinks */
               (kind == HFY_POST_SIGN && fabs(z[i]) < 0.01));
        dq[i] = draw(&rng, 1);
      }
      to_real(z, rows * n, zr);
      to_real(dq, rows * n, dqr);
      grad.z = dz;
      if (kind == HFY_POST_LAYERNORM) grad.gain = gain, grad.delta = delta;
      if (kind == HFY_POST_LINEAR) grad.matrix = matrix;
      if (kind == HFY_POST_TANH) grad.beta = numbers, of[0] = &r.beta;
      if (kind == HFY_POST_L2) grad.radius = numbers, of[0] = &r.radius, grad.eps = numbers + 1, of[1] = &r.eps;
      if (kind == HFY_POST_LAYERNORM) grad.eps = numbers + 1, of[1] = &r.eps;
      if (kind == HFY_POST_LAYERNORM && !with_gain) grad.eta = numbers;
      if (kind == HFY_POST_RECTIFIED_POWER) {
        grad.power = numbers, of[0] = &r.power, grad.sigma = numbers + 1;
        if (r.sigma > 0) of[1] = &r.sigma;
        grad.theta = numbers + 2, of[2] = &r.theta;
      }
      CHECK(hfy_post_vjp(&post, zr, dqr, rows, n, &grad, NULL) == HFY_OK);
      for (i = 0; i < 4; i++)
        if (of[i]) CHECK_NEAR(numbers[i], difference(&r, of[i], z, dq, rows, n), 3e-8 + 30 * DBL_EPSILON);
      if (grad.sigma && !of[1]) CHECK_EQ(numbers[1], 0); /* sharp: flat from above */
      for (i = 0, slope = 0; grad.eta && i < n; i++) slope += difference(&r, r.gain + i, z, dq, rows, n);
      if (grad.eta) CHECK_NEAR(numbers[0], slope, 3e-8);
      for (i = 0; i < rows * n; i++) CHECK_NEAR(dz[i], difference(&r, z + i, z, dq, rows, n), tol);
      for (i = 0; i < n && kind == HFY_POST_LAYERNORM; i++) {
        CHECK_NEAR(gain[i], difference(&r, r.gain + i, z, dq, rows, n), tol);
        CHECK_NEAR(delta[i], difference(&r, r.delta + i, z, dq, rows, n), tol);
      }
      for (i = 0; i < n * n && kind == HFY_POST_LINEAR; i++)
        CHECK_NEAR(matrix[i], difference(&r, r.matrix + i, z, dq, rows, n), tol);
      memcpy(in_place, dqr, sizeof in_place); /* grad->z may be dq, the parameters' sums still see dq */
      memcpy(again, numbers, sizeof again);
      grad.z = in_place;
      if (kind == HFY_POST_LAYERNORM) grad.gain = delta, grad.delta = NULL;
      CHECK(hfy_post_vjp(&post, zr, in_place, rows, n, &grad, NULL) == HFY_OK);
      CHECK(!memcmp(in_place, dz, rows * n * sizeof *dz));
      CHECK(!memcmp(again, numbers, sizeof again));
      if (kind == HFY_POST_LAYERNORM) CHECK(!memcmp(gain, delta, n * sizeof *gain));
      for (i = 0; i < 7; i++) { /* each asked for alone */
        double *const asked[7] = {grad.beta, grad.radius, grad.eta, grad.eps, grad.power, grad.sigma, grad.theta}, one = 7;
        hfy_post_grad alone = {0};
        double **const to[7] = {&alone.beta, &alone.radius, &alone.eta, &alone.eps, &alone.power, &alone.sigma, &alone.theta};
        if (!asked[i]) continue;
        *to[i] = &one;
        CHECK(hfy_post_vjp(&post, zr, dqr, rows, n, &alone, NULL) == HFY_OK && same_bits(&one, asked[i], sizeof one));
      }
    }
}

/* Closed forms and values from mpmath where differences do not reach: far below the threshold, saturated, at 0. */
TEST(vjp_of_parameters_golden) {
  static const struct {
    double z, power, sigma, to_power, to_sigma, to_theta;
  } rows[] = {
    {2.0, 1.5, 0, 0.7448869675255658, 0, -1.8371173070873836},
    {-3.0, 1.5, 0, 0, 0, 0},
    {2.0, 1.0, 0.25, 0.60819766289061662, 4.1147437721077864e-8, -0.99999999348758791},
    {-3.0, 2.0, 0.25, -1.8476500447098897e-39, 1.4294664985292932e-38, -9.9834862486712382e-40},
    {-40.0, 0.050000000000000003, 1.0, -0.2093028607568087, 0.010453345031812004, -0.00025609450908084412},
    {-40.0, 3.0, 1.0, -7.0035488888512499e-166, 2.0986960059009358e-165, -5.1415553749110614e-167},
    {-300.0, 0.0078125, 1.0, -0.58688091517522676, 0.0045843050843709958, -1.5239448310528345e-5},
    {300.0, 0.5, 0.015625, 98.68118156392766, 0, -0.028891599832849383},
    {0.5, 2.0, 0.5, -0.026827463646466838, 0.048680068054720752, -0.1103178000763258},
    {0.625, 0.75, 2.0, -0.40821077806337504, 0.19476232624075637, -0.48793499500205068},
    {-400.0, 0.001953125, 2.0, -184.08791172929293, 0.17992995514508274, -0.00089710061996926302},
};
  const hfy_real three_four[2] = {3, 4}, dq[2] = {1, 2}, zero[2] = {0, 0}, one = 1;
  double beta = 7, radius = 7, eps = 7, eta = 7, power, sigma, theta;
  hfy_post_grad grad = {0};
  hfy_post post = {0};
  size_t i;
  post.kind = HFY_POST_L2, post.radius = 2, post.eps = 75; /* root 10: q = .2 z */
  grad.radius = &radius, grad.eps = &eps;
  CHECK(hfy_post_vjp(&post, three_four, dq, 1, 2, &grad, NULL) == HFY_OK);
  CHECK_NEAR(radius, 1.1, 1e-15);
  CHECK_NEAR(eps, -0.011, 1e-15);
  post.eps = 0;
  CHECK(hfy_post_vjp(&post, zero, dq, 1, 2, &grad, NULL) == HFY_OK);
  CHECK(radius == 0 && eps == 0);
  post.kind = HFY_POST_LAYERNORM, post.eta = 3, post.eps = 2; /* x = -+.5, sigma = 1.5 */
  grad.radius = NULL, grad.eta = &eta;
  CHECK(hfy_post_vjp(&post, three_four, dq, 1, 2, &grad, NULL) == HFY_OK);
  CHECK_NEAR(eta, 0.5 / 1.5, 1e-15);
  CHECK_NEAR(eps, -0.5 * 3 * 0.5 / (1.5 * 1.5 * 1.5), 1e-15);
  memset(&grad, 0, sizeof grad);
  post.kind = HFY_POST_TANH, post.beta = 2, grad.beta = &beta;
  CHECK(hfy_post_vjp(&post, three_four, dq, 1, 2, &grad, NULL) == HFY_OK);
  CHECK_NEAR(beta / (3 / (cosh(6) * cosh(6)) + 8 / (cosh(8) * cosh(8))), 1, 1e-14);
  memset(&grad, 0, sizeof grad);
  post.kind = HFY_POST_RECTIFIED_POWER, post.theta = 0.5;
  grad.power = &power, grad.sigma = &sigma, grad.theta = &theta;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    hfy_real z = (hfy_real)rows[i].z; /* exact in float */
    post.power = rows[i].power, post.sigma = rows[i].sigma;
    CHECK(hfy_post_vjp(&post, &z, &one, 1, 1, &grad, NULL) == HFY_OK);
    CHECK_NEAR(fabs(rows[i].to_power) > 0 ? power / rows[i].to_power : 1 + power, 1, 1e-12);
    CHECK_NEAR(fabs(rows[i].to_sigma) > 0 ? sigma / rows[i].to_sigma : 1 + sigma, 1, 1e-12);
    CHECK_NEAR(fabs(rows[i].to_theta) > 0 ? theta / rows[i].to_theta : 1 + theta, 1, 1e-12);
  }
}

TEST(vjp_where_the_map_stops) {
  const hfy_real zero[3] = {0, 0, 0}, same[3] = {(hfy_real)0.1, (hfy_real)0.1, (hfy_real)0.1}, dq[3] = {1, 2, 6};
  hfy_real dz[3], gain[3], far[3] = {500, -500, 0}, sums[3] = {5, 5, 5};
  hfy_post_grad grad = {0};
  hfy_post post = {0};
  size_t i;
  grad.z = dz;
  post.kind = HFY_POST_SIGN;
  CHECK(hfy_post_vjp(&post, same, dq, 1, 3, &grad, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_EQ(dz[i], 0);
  post.kind = HFY_POST_L2;
  CHECK(hfy_post_vjp(&post, zero, dq, 1, 3, &grad, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_EQ(dz[i], 0);
  post.eps = 0.25; /* smooth there: radius / sqrt(eps) */
  CHECK(hfy_post_vjp(&post, zero, dq, 1, 3, &grad, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_NEAR(dz[i], 2 * (double)dq[i], REAL_EPS);
  post.kind = HFY_POST_LAYERNORM;
  CHECK(hfy_post_vjp(&post, same, dq, 1, 3, &grad, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_NEAR(dz[i], 2 * ((double)dq[i] - 3), 4 * REAL_EPS);
  post.eps = 0;
  grad.gain = gain;
  CHECK(hfy_post_vjp(&post, same, dq, 1, 3, &grad, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_EQ(dz[i], 0);
  for (i = 0; i < 3; i++) CHECK_EQ(gain[i], 0);
  grad.gain = sums; /* no rows: sums of nothing are 0 */
  CHECK(hfy_post_vjp(&post, NULL, NULL, 0, 3, &grad, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) CHECK_EQ(sums[i], 0);
  grad.gain = NULL;
  post.kind = HFY_POST_TANH; /* saturated: small, not cancelled */
  far[2] = 10;
  CHECK(hfy_post_vjp(&post, far, dq, 1, 3, &grad, NULL) == HFY_OK);
  CHECK_EQ(dz[0], 0);
  CHECK_EQ(dz[1], 0);
  CHECK_NEAR((double)dz[2] / (6 * 4 * exp(-20) / ((1 + exp(-20)) * (1 + exp(-20)))), 1, 4 * REAL_EPS);
  memcpy(far, dq, sizeof far); /* NaN is carried through */
  far[1] = (hfy_real)bits_nan();
  post.kind = HFY_POST_L2;
  CHECK(hfy_post_vjp(&post, dq, far, 1, 3, &grad, NULL) == HFY_OK);
  CHECK(hfy_base_is_nan_((double)dz[0]) && hfy_base_is_nan_((double)dz[1]));
  post.kind = HFY_POST_LAYERNORM;
  for (i = 0; i < 3; i++) far[i] = (hfy_real)bits_nan();
  CHECK(hfy_post_vjp(&post, far, dq, 1, 3, &grad, NULL) == HFY_OK);
  CHECK(hfy_base_is_nan_((double)dz[0]));
}

/* --- Psi and Psi* --- */

TEST(fenchel_young) {
  hfy_rng rng = hfy_rng_seed(3);
  int kind, seed, other;
  for (kind = HFY_POST_NONE; kind <= HFY_POST_RECTIFIED_POWER; kind++)
    for (seed = 0; seed < 60; seed++) {
      size_t n = 1 + (size_t)(hfy_rng_u64(&rng) % (N_MAX - 1)), i;
      reference r = random_reference(&rng, (hfy_post_kind)kind, n, 0);
      double z[N_MAX], psi = 0, star = 0, qz, size, tol, second[N_MAX];
      hfy_real zr[N_MAX], q[N_MAX], p[N_MAX], b[N_MAX];
      arrays a;
      hfy_post post;
      r.sigma = 0;
      if (kind == HFY_POST_LINEAR) make_definite(&rng, r.matrix, n);
      post = make_post(&r, n, 0, &a);
      for (i = 0; i < n; i++) z[i] = draw(&rng, 1.5);
      to_real(z, n, zr);
      CHECK(hfy_post_apply(&post, zr, NULL, 1, n, q, NULL) == HFY_OK);
      CHECK(hfy_post_value(&post, q, 1, n, &psi, NULL) == HFY_OK);
      CHECK(hfy_post_conjugate(&post, zr, 1, n, &star, NULL) == HFY_OK);
      for (qz = 0, size = 1, i = 0; i < n; i++) {
        qz += (double)q[i] * z[i];
        size += fabs((double)q[i] * z[i]);
      }
      tol = 100 * REAL_EPS * (size + fabs(psi) + fabs(star));
      CHECK(fabs(psi + star - qz) <= tol); /* equality at the answer */
      for (other = 0; other < 10; other++) { /* inequality elsewhere in the domain */
        double t = hfy_rng_uniform(&rng);
        for (i = 0; i < n; i++) second[i] = draw(&rng, 1.5);
        to_real(second, n, b);
        CHECK(hfy_post_apply(&post, b, NULL, 1, n, p, NULL) == HFY_OK);
        for (i = 0; i < n; i++) p[i] = (hfy_real)(t * (double)p[i] + (1 - t) * (double)q[i]);
        CHECK(hfy_post_value(&post, p, 1, n, &psi, NULL) == HFY_OK);
        CHECK(hfy_base_is_finite_(psi)); /* the domain is convex */
        for (qz = 0, i = 0; i < n; i++) qz += (double)p[i] * z[i];
        CHECK(psi + star - qz >= -tol);
      }
    }
}

TEST(psi_star_has_the_map_as_gradient) /* also fixes the constants: Psi* = integral from 0 */
{
  hfy_rng rng = hfy_rng_seed(4);
  int kind, seed;
  for (kind = HFY_POST_NONE; kind <= HFY_POST_RECTIFIED_POWER; kind++)
    for (seed = 0; seed < 20; seed++) {
      const double h = sizeof(hfy_real) == 8 ? 1e-4 : 1.0 / 256;
      size_t n = 1 + (size_t)(hfy_rng_u64(&rng) % 6), i;
      reference r = random_reference(&rng, (hfy_post_kind)kind, n, 0);
      hfy_real z[N_MAX], q[N_MAX], was;
      double up = 0, down = 0;
      arrays a;
      hfy_post post;
      r.sigma = 0;
      if (kind == HFY_POST_LINEAR) make_definite(&rng, r.matrix, n);
      post = make_post(&r, n, 0, &a);
      for (i = 0; i < n; i++) {
        do
          z[i] = (hfy_real)(floor(hfy_rng_normal(&rng) * 64) / 64);
        while (fabs((double)z[i] - (kind == HFY_POST_RECTIFIED_POWER ? r.theta : 0)) < 0.1);
      }
      CHECK(hfy_post_apply(&post, z, NULL, 1, n, q, NULL) == HFY_OK);
      for (i = 0; i < n; i++) {
        was = z[i];
        z[i] = (hfy_real)((double)was + h);
        CHECK(hfy_post_conjugate(&post, z, 1, n, &up, NULL) == HFY_OK);
        z[i] = (hfy_real)((double)was - h);
        CHECK(hfy_post_conjugate(&post, z, 1, n, &down, NULL) == HFY_OK);
        z[i] = was;
        CHECK_NEAR((up - down) / (2 * h), q[i], sizeof(hfy_real) == 8 ? 3e-6 : 3e-3);
      }
    }
}

TEST(psi_outside_its_domain) {
  static const struct {
    hfy_post_kind kind;
    double q[2];
    int inside;
  } rows[] = {{HFY_POST_NONE, {1e6, 2}, 1},
              {HFY_POST_TANH, {0.5, -1}, 1},
              {HFY_POST_TANH, {0.5, -1.001}, 0},
              {HFY_POST_TANH, {1 + 1e-10, 0}, 1},
              {HFY_POST_SIGN, {-0.3, 1}, 1},
              {HFY_POST_SIGN, {-0.3, 1.001}, 0},
              {HFY_POST_L2, {0.6, 0.8}, 1},
              {HFY_POST_L2, {0.61, 0.8}, 0},
              {HFY_POST_LAYERNORM, {-1, 1}, 1},
              {HFY_POST_LAYERNORM, {-0.5, 0.5}, 1},
              {HFY_POST_LAYERNORM, {-1.01, 1.01}, 0},
              {HFY_POST_LAYERNORM, {0.5, 0.51}, 0},
              {HFY_POST_LINEAR, {-4, 3}, 1},
              {HFY_POST_RECTIFIED_POWER, {0, 3}, 1},
              {HFY_POST_RECTIFIED_POWER, {-0.001, 3}, 0}};
  size_t i;
  for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hfy_post post = {0};
    hfy_real q[2], inf[2] = {(hfy_real)HUGE_VAL, (hfy_real)HUGE_VAL}, matrix[4] = {2, 1, 1, 2};
    double psi = bits_nan();
    int eps;
    to_real(rows[i].q, 2, q);
    post.kind = rows[i].kind;
    post.matrix = matrix;
    for (eps = 0; eps < 2; eps++) {
      post.eps = 0.5 * eps;
      CHECK(hfy_post_value(&post, q, 1, 2, &psi, NULL) == HFY_OK);
      CHECK(rows[i].inside ? hfy_base_is_finite_(psi) : hfy_base_is_pos_inf_(psi));
      CHECK(hfy_post_value(&post, inf, 1, 2, &psi, NULL) == HFY_OK);
      CHECK(hfy_base_is_pos_inf_(psi));
    }
    if (rows[i].kind != HFY_POST_L2 && rows[i].kind != HFY_POST_LAYERNORM) continue;
    post.radius = post.eta = pow(REAL_MAX, 0.8); /* the same beyond what squares can be */
    q[0] = (hfy_real)(post.eta * rows[i].q[0]), q[1] = (hfy_real)(post.eta * rows[i].q[1]);
    CHECK(hfy_post_value(&post, q, 1, 2, &psi, NULL) == HFY_OK);
    CHECK(rows[i].inside ? hfy_base_is_finite_(psi) : hfy_base_is_pos_inf_(psi));
  }
  { /* a large shift: the answer itself stays in the domain, though its digits are those of the shift */
    hfy_rng rng = hfy_rng_seed(7);
    int seed;
    for (seed = 0; seed < 50; seed++) {
      hfy_real delta[4], z[4], q[4];
      hfy_post post = {0};
      double psi = 1;
      for (i = 0; i < 4; i++) {
        delta[i] = (hfy_real)draw(&rng, 3000);
        z[i] = (hfy_real)draw(&rng, 1);
      }
      post.kind = HFY_POST_LAYERNORM;
      post.delta = delta;
      CHECK(hfy_post_apply(&post, z, NULL, 1, 4, q, NULL) == HFY_OK);
      CHECK(hfy_post_value(&post, q, 1, 4, &psi, NULL) == HFY_OK);
      CHECK_EQ(psi, 0);
    }
  }
}

TEST(psi_closed_forms) {
  hfy_real q[2] = {0, 0}, z[2] = {3, -1};
  double value = 0;
  hfy_post post = {0};
  post.kind = HFY_POST_TANH; /* between -n log 2 / beta and 0 */
  post.beta = 2;
  CHECK(hfy_post_value(&post, q, 1, 2, &value, NULL) == HFY_OK);
  CHECK_NEAR(value, -log(2.0), 1e-15);
  q[0] = 1, q[1] = -1;
  CHECK(hfy_post_value(&post, q, 1, 2, &value, NULL) == HFY_OK);
  CHECK_EQ(value, 0);
  post.kind = HFY_POST_RECTIFIED_POWER; /* power 2, theta 1: Psi = q + 2/3 q^1.5, Psi* = (z-1)^3/3 */
  post.power = 2;
  post.theta = 1;
  q[0] = 4, q[1] = 0;
  CHECK(hfy_post_value(&post, q, 1, 2, &value, NULL) == HFY_OK);
  CHECK_NEAR(value, 4 + 16.0 / 3, 1e-15);
  CHECK(hfy_post_conjugate(&post, z, 1, 2, &value, NULL) == HFY_OK);
  CHECK_NEAR(value, 8.0 / 3, 1e-15);
  post.power = 0; /* the default, 1: the rectifier; Psi = q + q^2/2 */
  CHECK(hfy_post_value(&post, q, 1, 2, &value, NULL) == HFY_OK);
  CHECK_NEAR(value, 12, 1e-15);
  CHECK(hfy_post_conjugate(&post, z, 1, 2, &value, NULL) == HFY_OK);
  CHECK_NEAR(value, 2, 1e-15);
}

/* --- extremes --- */

TEST(huge_and_tiny_vectors) {
#ifdef HFY_DOUBLE
  static const double scale[] = {1e30, 1e200, 8e307, 1e-150, 1e-200, 1e-307, 1e-320};
#else
  static const double scale[] = {1e30, 1e38, 1e-30, 1e-38, 1e-44};
#endif
  const double x[3] = {1, -2, 0.5};
  size_t s, i;
  for (s = 0; s < sizeof scale / sizeof scale[0]; s++) {
    hfy_real z[3], q[3];
    const double exact = 8 * REAL_EPS;
    double psi = 0, star = 0, norm, mean, spread;
    double in[3];
    hfy_post post = {0};
    for (i = 0; i < 3; i++) {
      z[i] = (hfy_real)(x[i] * scale[s]);
      in[i] = (double)z[i] / scale[s]; /* what is left of x */
    }
    norm = sqrt(in[0] * in[0] + in[1] * in[1] + in[2] * in[2]);
    mean = (in[0] + in[1] + in[2]) / 3;
    spread = sqrt(((in[0] - mean) * (in[0] - mean) + (in[1] - mean) * (in[1] - mean) +
                   (in[2] - mean) * (in[2] - mean)) / 3);
    post.kind = HFY_POST_L2;
    CHECK(hfy_post_apply(&post, z, NULL, 1, 3, q, NULL) == HFY_OK);
    for (i = 0; i < 3; i++) CHECK_NEAR(q[i], in[i] / norm, exact);
    CHECK(hfy_post_conjugate(&post, z, 1, 3, &star, NULL) == HFY_OK);
    if (scale[s] < 1e300 && scale[s] > 1e-300) CHECK_NEAR(star / scale[s], norm, exact);
    CHECK(hfy_post_value(&post, q, 1, 3, &psi, NULL) == HFY_OK);
    CHECK_EQ(psi, 0);
    post.kind = HFY_POST_LAYERNORM;
    CHECK(hfy_post_apply(&post, z, NULL, 1, 3, q, NULL) == HFY_OK);
    for (i = 0; i < 3; i++) CHECK_NEAR(q[i], (in[i] - mean) / spread, exact);
    post.eps = scale[s] * scale[s] > 0 && scale[s] < 1e100 ? scale[s] * scale[s] : 0; /* as large as |z|^2 */
    if (post.eps > 0) {
      CHECK(hfy_post_apply(&post, z, NULL, 1, 3, q, NULL) == HFY_OK);
      for (i = 0; i < 3; i++) CHECK_NEAR(q[i], (in[i] - mean) / sqrt(spread * spread + 1), exact);
      post.kind = HFY_POST_L2;
      CHECK(hfy_post_apply(&post, z, NULL, 1, 3, q, NULL) == HFY_OK);
      for (i = 0; i < 3; i++) CHECK_NEAR(q[i], in[i] / sqrt(norm * norm + 1), exact);
    }
    if (scale[s] < 1 && scale[s] > 1e-310) { /* beside whose eps |z|^2 is nothing */
      post.kind = HFY_POST_L2;
      post.eps = sizeof(hfy_real) == 8 ? 1 : 1e300;
      post.radius = 1e150;
      CHECK(hfy_post_apply(&post, z, NULL, 1, 3, q, NULL) == HFY_OK);
      for (i = 0; i < 3; i++)
        CHECK_NEAR((double)q[i] / scale[s] / (sizeof(hfy_real) == 8 ? 1e150 : 1), in[i], exact);
    }
    post.kind = HFY_POST_TANH;
    post.beta = 1e3;
    CHECK(hfy_post_apply(&post, z, NULL, 1, 3, q, NULL) == HFY_OK);
    for (i = 0; i < 3; i++) CHECK_NEAR(q[i], tanh(1e3 * (double)z[i]), REAL_EPS);
    CHECK(hfy_post_conjugate(&post, z, 1, 3, &star, NULL) == HFY_OK);
    if (scale[s] < 7e307) CHECK(hfy_base_is_finite_(star));
    post.beta = 1e308;
    CHECK(hfy_post_conjugate(&post, z, 1, 3, &star, NULL) == HFY_OK);
    if (scale[s] < 7e307) { /* |z|_1, but where beta z is no more than some units */
      for (norm = 0, i = 0; i < 3; i++)
        norm += fabs(in[i]) + log1p(exp(-2 * (1e308 * fabs((double)z[i])))) / 1e308 / scale[s];
      CHECK_NEAR(star / scale[s] / norm, 1, scale[s] < 1e-300 ? 1e-5 : exact);
    }
    CHECK(hfy_post_apply(&post, z, NULL, 1, 3, q, NULL) == HFY_OK);
    CHECK(q[0] > 0 && q[1] < 0);
  }
}

TEST(layernorm_keeps_digits_far_from_zero) {
  /* 1e6 + {0, 1, 3}: the exact answer is that of {0, 1, 3} */
  const hfy_real z[3] = {1000000, 1000001, 1000003};
  hfy_real q[3];
  hfy_post post = {0};
  double spread = sqrt((16.0 + 1 + 25) / 27);
  size_t i, m, n = 1001;
  hfy_real row[1001];
  post.kind = HFY_POST_LAYERNORM;
  CHECK(hfy_post_apply(&post, z, NULL, 1, 3, q, NULL) == HFY_OK);
  CHECK_NEAR(q[0], -4.0 / 3 / spread, 2 * REAL_EPS + 1e-14);
  CHECK_NEAR(q[1], -1.0 / 3 / spread, 2 * REAL_EPS + 1e-14);
  CHECK_NEAR(q[2], 5.0 / 3 / spread, 2 * REAL_EPS + 1e-14);
  for (m = 2; m < n; m += m / 2) { /* constant rows, though n times x is not the sum of n times x */
    for (i = 0; i < m; i++) row[i] = (hfy_real)(0.1 * (double)m * 1e6);
    CHECK(hfy_post_apply(&post, row, NULL, 1, m, row, NULL) == HFY_OK);
    for (i = 0; i < m; i++) CHECK_EQ(row[i], 0);
  }
  for (i = 0; i < n; i++) row[i] = (hfy_real)(1e6 + (double)i); /* an arithmetic row of n: variance (n^2-1)/12 */
  CHECK(hfy_post_apply(&post, row, NULL, 1, n, row, NULL) == HFY_OK);
  for (i = 0; i < n; i += 100)
    CHECK_NEAR(row[i], ((double)i - 500) / sqrt(((double)(n * n) - 1) / 12), 2 * REAL_EPS + 1e-13);
}

TEST(rectified_power_extremes) {
  static const double power[] = {0.3, 0.5, 1, 1.5, 3}, sigma[] = {0, 1e-300, 0.01, 1, 50};
  const double v[] = {-REAL_MAX, -1e10, -1000, -40, -0.1, 0, 0.1, 40, 1000, 1e10, REAL_MAX};
  size_t p, s, i;
  hfy_post post = {0};
  post.kind = HFY_POST_RECTIFIED_POWER;
  for (p = 0; p < 5; p++)
    for (s = 0; s < 5; s++) {
      double before = -1;
      post.power = power[p], post.sigma = sigma[s];
      for (i = 0; i < sizeof v / sizeof v[0]; i++) {
        hfy_real z = (hfy_real)v[i], q = -7, dz = 0, one = 1;
        double want = (double)z > 0 ? pow((double)z, power[p]) : 0;
        hfy_post_grad grad = {0};
        hfy_status status = hfy_post_apply(&post, &z, NULL, 1, 1, &q, NULL);
        grad.z = &dz;
        if (want > REAL_MAX) {
          CHECK(status == HFY_ERR_NONFINITE);
          CHECK_EQ(q, -7);
          continue;
        }
        CHECK(status == HFY_OK && q >= 0 && (double)q >= before);
        before = (double)q;
        if ((double)z > 13 * sigma[s]) CHECK_NEAR((double)q / want, 1, 2 * REAL_EPS);
        CHECK(hfy_post_vjp(&post, &z, &one, 1, 1, &grad, NULL) == HFY_OK);
        CHECK(!hfy_base_is_nan_((double)dz) && dz >= 0);
      }
    }
  { /* e^(x) underflows, its small power does not */
    hfy_real z = -250, q = 0;
    post.power = 0.01, post.sigma = 1;
    CHECK(hfy_post_apply(&post, &z, NULL, 1, 1, &q, NULL) == HFY_OK);
    CHECK_NEAR((double)q / exp(0.01 * (-log(3.14159265358979323846) - 250 * 3.14159265358979323846)), 1, 2 * REAL_EPS);
  }
}

/* --- the scaled path of the exponential memory --- */

static hfy_status scaled_row(const hfy_post *post, const hfy_real *z, double log_scale, const hfy_real *previous,
                             size_t n, hfy_real *q) {
  double row[N_MAX];
  hfy_post_scratch_ scratch;
  hfy_post resolved;
  hfy_work work = {0};
  CHECK(hfy_post_check_(post, n, &resolved, "post", &work) == HFY_OK);
  scratch.row = row;
  scratch.factor = NULL;
  return hfy_post_row_(&resolved, z, log_scale, previous, n, q, &scratch);
}

TEST(scaled_path_is_the_direct_path) {
  hfy_rng rng = hfy_rng_seed(6);
  int kind, seed;
  for (kind = HFY_POST_NONE; kind <= HFY_POST_RECTIFIED_POWER; kind++)
    for (seed = 0; seed < 60; seed++) {
      size_t n = 1 + (size_t)(hfy_rng_u64(&rng) % (N_MAX - 1)), i;
      int with_gain = seed % 2, octaves = (int)(hfy_rng_u64(&rng) % 41) - 20;
      reference r = random_reference(&rng, (hfy_post_kind)kind, n, with_gain);
      double log_scale = octaves * log(2.0);
      hfy_real z[N_MAX], big[N_MAX], direct[N_MAX], scaled[N_MAX];
      arrays a;
      hfy_post post = make_post(&r, n, with_gain, &a);
      for (i = 0; i < n; i++) {
        z[i] = seed % 7 == 0 && i == 0 ? 0 : (hfy_real)draw(&rng, 1.5);
        big[i] = (hfy_real)ldexp((double)z[i], octaves); /* exact */
      }
      CHECK(scaled_row(&post, big, 0, NULL, n, direct) == HFY_OK);
      CHECK(scaled_row(&post, z, log_scale, NULL, n, scaled) == HFY_OK);
      for (i = 0; i < n; i++) {
        double size = kind == HFY_POST_LINEAR ? ldexp(10, octaves) : 0; /* cancels in other places */
        CHECK_NEAR((double)scaled[i], (double)direct[i], 4 * REAL_EPS + 1e-14 + 1e-15 * size);
      }
      memcpy(scaled, z, sizeof z); /* in place */
      CHECK(scaled_row(&post, scaled, log_scale, NULL, n, scaled) == HFY_OK);
      CHECK(scaled_row(&post, z, log_scale, NULL, n, direct) == HFY_OK);
      CHECK(!memcmp(scaled, direct, n * sizeof *scaled));
    }
}

TEST(scaled_path_beyond_the_direct_path) {
  const hfy_real z[3] = {(hfy_real)0.5, (hfy_real)-1.5, 0}, previous[3] = {1, 1, -1};
  const double log_scale[] = {2000, -2000, 720, -720, 1e6, -1e6};
  hfy_real q[3], keep[3] = {7, 8, 9};
  double norm = sqrt(0.25 + 2.25), mean = -1.0 / 3, spread;
  size_t m, i;
  spread = sqrt(((0.5 - mean) * (0.5 - mean) + (1.5 + mean) * (1.5 + mean) + mean * mean) / 3);
  for (m = 0; m < sizeof log_scale / sizeof log_scale[0]; m++) {
    const double scale = log_scale[m];
    const int up = scale > 0;
    hfy_post post = {0};
    post.kind = HFY_POST_TANH;
    post.beta = 0.01;
    CHECK(scaled_row(&post, z, scale, NULL, 3, q) == HFY_OK);
    CHECK_EQ(q[0], up ? 1 : (double)(hfy_real)exp(log(0.01) + scale + log(0.5)));
    CHECK_EQ(q[1], up ? -1 : (double)(hfy_real)-exp(log(0.01) + scale + log(1.5)));
    CHECK_EQ(q[2], 0);
    post.kind = HFY_POST_SIGN;
    CHECK(scaled_row(&post, z, scale, previous, 3, q) == HFY_OK);
    CHECK(q[0] == 1 && q[1] == -1 && q[2] == -1);
    post.kind = HFY_POST_L2;
    CHECK(scaled_row(&post, z, scale, NULL, 3, q) == HFY_OK);
    for (i = 0; i < 3; i++) CHECK_NEAR(q[i], (double)z[i] / norm, REAL_EPS);
    post.eps = 1e-3; /* nothing beside the scaled up, everything beside the scaled down */
    CHECK(scaled_row(&post, z, scale, NULL, 3, q) == HFY_OK);
    for (i = 0; i < 3; i++) CHECK_NEAR(q[i], up ? (double)z[i] / norm : 0, REAL_EPS);
    post.kind = HFY_POST_LAYERNORM;
    post.delta = previous;
    CHECK(scaled_row(&post, z, scale, NULL, 3, q) == HFY_OK);
    for (i = 0; i < 3; i++)
      CHECK_NEAR(q[i], (up ? ((double)z[i] - mean) / spread : 0) + (double)previous[i], 2 * REAL_EPS);
    post.kind = HFY_POST_NONE;
    memcpy(q, keep, sizeof q);
    if (up) {
      CHECK(scaled_row(&post, z, scale, NULL, 3, q) == HFY_ERR_NONFINITE);
      CHECK(!memcmp(q, keep, sizeof q));
    } else {
      CHECK(scaled_row(&post, z, scale, NULL, 3, q) == HFY_OK);
      CHECK_NEAR(q[0], 0, 1e-300);
    }
    post.kind = HFY_POST_RECTIFIED_POWER;
    post.theta = 2;
    memcpy(q, keep, sizeof q);
    if (up) {
      CHECK(scaled_row(&post, z, scale, NULL, 3, q) == HFY_ERR_NONFINITE);
      CHECK(!memcmp(q, keep, sizeof q));
      post.power = 10 / scale; /* (e^scale z)^power = e^10 z^power */
      CHECK(scaled_row(&post, z, scale, NULL, 3, q) == HFY_OK);
      CHECK_NEAR((double)q[0] / (exp(10.0) * pow(0.5, post.power)), 1, 2 * REAL_EPS + 1e-13);
      CHECK(q[1] == 0 && q[2] == 0);
    } else {
      CHECK(scaled_row(&post, z, scale, NULL, 3, q) == HFY_OK);
      CHECK_EQ(q[0], 0);
    }
  }
  { /* eps and the scale meet half way: both huge, their ratio is not */
    hfy_post post = {0};
    post.kind = HFY_POST_L2;
    post.eps = 1e300;
    CHECK(scaled_row(&post, z, 0.5 * log(1e300), NULL, 3, q) == HFY_OK);
    CHECK_NEAR(q[0], 0.5 / sqrt(2.5 + 1), 2 * REAL_EPS + 1e-13);
    post.eps = 1e-300;
    CHECK(scaled_row(&post, z, 0.5 * log(1e-300), NULL, 3, q) == HFY_OK);
    CHECK_NEAR(q[1], -1.5 / sqrt(2.5 + 1), 2 * REAL_EPS + 1e-13);
  }
  { /* half of the product first: tiny z, huge scale */
    hfy_real tiny[1];
    hfy_post post = {0};
    tiny[0] = (hfy_real)1e-37;
    CHECK(scaled_row(&post, tiny, log(1e37) + log(1.5), NULL, 1, q) == HFY_OK);
    CHECK_NEAR(q[0], 1.5, 4 * REAL_EPS + 1e-13);
#ifdef HFY_DOUBLE
    tiny[0] = 1e-300;
    CHECK(scaled_row(&post, tiny, log(1e300) + 500, NULL, 1, q) == HFY_OK);
    CHECK_NEAR(q[0] / exp(500.0), 1, 1e-12);
#endif
  }
}

/* --- ties --- */

TEST(sign_of_zero) {
  hfy_real z[6] = {0, 1, 0, (hfy_real)-0.0, -3, 0}, previous[6] = {-1, -1, 1, 1, 1, (hfy_real)0.25}, q[6];
  hfy_post post = {0};
  post.kind = HFY_POST_SIGN;
  CHECK(hfy_post_apply(&post, z, NULL, 2, 3, q, NULL) == HFY_OK);
  CHECK(q[0] == 0 && q[1] == 1 && q[2] == 0 && q[3] == 0 && q[4] == -1 && q[5] == 0);
  CHECK(hfy_post_apply(&post, z, previous, 2, 3, q, NULL) == HFY_OK);
  CHECK(q[0] == -1 && q[1] == 1 && q[2] == 1 && q[3] == 1 && q[4] == -1 && q[5] == (hfy_real)0.25);
  CHECK(hfy_post_apply(&post, z, previous, 2, 3, previous, NULL) == HFY_OK); /* q may be previous */
  CHECK(!memcmp(q, previous, sizeof q));
}

TEST(none_keeps_bits) {
  hfy_real z[4] = {(hfy_real)-0.0, (hfy_real)0.1, (hfy_real)1e-40, 3}, q[4];
  hfy_post post = {0};
  CHECK(hfy_post_apply(&post, z, NULL, 1, 4, q, NULL) == HFY_OK);
  CHECK(!memcmp(z, q, sizeof q));
}

/* --- errors --- */

TEST(bad_arguments) {
  hfy_real z[2] = {1, 2}, q[2] = {7, 8}, grad_z[2] = {7, 8};
  double value[2] = {7, 8};
  hfy_work work = {0};
  hfy_post post = {0};
  hfy_post_grad grad = {0};
  grad.z = grad_z;
  CHECK_FAILS(hfy_post_apply(NULL, z, NULL, 1, 2, q, &work), HFY_ERR_ARG, &work, "post is NULL");
  CHECK_FAILS(hfy_post_apply(&post, NULL, NULL, 1, 2, q, &work), HFY_ERR_ARG, &work, "z is NULL");
  CHECK_FAILS(hfy_post_apply(&post, z, NULL, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "q is NULL");
  CHECK_FAILS(hfy_post_apply(&post, z, NULL, 1, 0, q, &work), HFY_ERR_ARG, &work, "n is 0");
  CHECK_FAILS(hfy_post_apply(&post, z, NULL, SIZE_MAX / 2, 3, q, &work), HFY_ERR_ARG, &work, "cannot exist");
  CHECK_FAILS(hfy_post_vjp(NULL, z, q, 1, 2, &grad, &work), HFY_ERR_ARG, &work, "post is NULL");
  CHECK_FAILS(hfy_post_vjp(&post, NULL, q, 1, 2, &grad, &work), HFY_ERR_ARG, &work, "z is NULL");
  CHECK_FAILS(hfy_post_vjp(&post, z, NULL, 1, 2, &grad, &work), HFY_ERR_ARG, &work, "dq is NULL");
  CHECK_FAILS(hfy_post_vjp(&post, z, q, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "grad is NULL");
  CHECK_FAILS(hfy_post_value(NULL, q, 1, 2, value, &work), HFY_ERR_ARG, &work, "post is NULL");
  CHECK_FAILS(hfy_post_value(&post, NULL, 1, 2, value, &work), HFY_ERR_ARG, &work, "q is NULL");
  CHECK_FAILS(hfy_post_value(&post, q, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "psi is NULL");
  CHECK_FAILS(hfy_post_conjugate(&post, NULL, 1, 2, value, &work), HFY_ERR_ARG, &work, "z is NULL");
  CHECK_FAILS(hfy_post_conjugate(&post, z, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "psi_star is NULL");
  CHECK_FAILS(hfy_post_conjugate(&post, z, 1, 0, value, &work), HFY_ERR_ARG, &work, "n is 0");
  post.kind = (hfy_post_kind)7;
  CHECK_FAILS(hfy_post_apply(&post, z, NULL, 1, 2, q, &work), HFY_ERR_ARG, &work, "post->kind is 7");
  post.kind = HFY_POST_LINEAR;
  CHECK_FAILS(hfy_post_apply(&post, z, NULL, 1, 2, q, &work), HFY_ERR_ARG, &work, "post->matrix is NULL");
  post.matrix = z;
  CHECK_FAILS(hfy_post_apply(&post, z, NULL, 1, SIZE_MAX / 32, q, &work), HFY_ERR_ARG, &work, "numbers cannot exist");
  post.kind = HFY_POST_LAYERNORM;
  post.dof_minus = 2;
  CHECK_FAILS(hfy_post_apply(&post, z, NULL, 1, 2, q, &work), HFY_ERR_ARG, &work, "post->dof_minus is 2");
  post.dof_minus = 3;
  CHECK_FAILS(hfy_post_value(&post, z, 1, 2, value, &work), HFY_ERR_ARG, &work, "post->dof_minus is 3");
  CHECK(q[0] == 7 && q[1] == 8 && grad_z[0] == 7 && value[0] == 7);
  CHECK(hfy_post_apply(&post, NULL, NULL, 0, 4, NULL, &work) == HFY_OK); /* no rows, no arrays */
  CHECK(!work.message[0]);
  hfy_work_free(&work);
}

TEST(bad_parameters) {
  static const struct {
    hfy_post_kind kind;
    size_t member;
    const char *name;
    int zero_is_least; /* 0: has to be above 0; 1: at least 0; 2: any finite number */
  } rows[] = {{HFY_POST_TANH, offsetof(hfy_post, beta), "beta", 0},
              {HFY_POST_L2, offsetof(hfy_post, radius), "radius", 0},
              {HFY_POST_L2, offsetof(hfy_post, eps), "eps", 1},
              {HFY_POST_LAYERNORM, offsetof(hfy_post, eta), "eta", 0},
              {HFY_POST_LAYERNORM, offsetof(hfy_post, eps), "eps", 1},
              {HFY_POST_RECTIFIED_POWER, offsetof(hfy_post, power), "power", 0},
              {HFY_POST_RECTIFIED_POWER, offsetof(hfy_post, sigma), "sigma", 1},
              {HFY_POST_RECTIFIED_POWER, offsetof(hfy_post, theta), "theta", 2}};
  size_t i, b;
  for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
    for (b = 0; b < 4; b++) {
      const double bad[4] = {-1, HUGE_VAL, -HUGE_VAL, bits_nan()};
      static const char *const shown[4] = {"-1", "inf", "-inf", "nan"};
      hfy_real z[2] = {1, 2}, q[2] = {7, 8}, other[2] = {1, 1};
      double value = 7;
      char words[64];
      hfy_work work = {0};
      hfy_post post = {0}, resolved;
      hfy_post_grad grad = {0};
      if (rows[i].zero_is_least == 2 && b == 0) continue;
      post.kind = rows[i].kind;
      memcpy((char *)&post + rows[i].member, &bad[b], sizeof bad[b]);
      grad.z = q;
      snprintf(words, sizeof words, "post->%s is %s; it should be %s", rows[i].name, shown[b],
               b ? "finite" : rows[i].zero_is_least ? "at least 0" : "above 0");
      CHECK_FAILS(hfy_post_apply(&post, z, NULL, 1, 2, q, &work), HFY_ERR_ARG, &work, words);
      CHECK_FAILS(hfy_post_vjp(&post, z, z, 1, 2, &grad, &work), HFY_ERR_ARG, &work, words);
      CHECK_FAILS(hfy_post_value(&post, z, 1, 2, &value, &work), HFY_ERR_ARG, &work, words);
      CHECK_FAILS(hfy_post_conjugate(&post, z, 1, 2, &value, &work), HFY_ERR_ARG, &work, words);
      CHECK(q[0] == 7 && q[1] == 8 && value == 7);
      snprintf(words, sizeof words, "net->post.%s is %s", rows[i].name, shown[b]);
      CHECK_FAILS(hfy_post_check_(&post, 2, &resolved, "net->post", &work), HFY_ERR_ARG, &work, words);
      post.kind = HFY_POST_NONE; /* what a kind does not use is ignored */
      CHECK(hfy_post_apply(&post, z, NULL, 1, 2, q, &work) == HFY_OK);
      post.kind = HFY_POST_LAYERNORM;
      post.gain = other;
      if (rows[i].member == offsetof(hfy_post, eta))
        CHECK(hfy_post_apply(&post, z, NULL, 1, 2, q, &work) == HFY_OK);
      hfy_work_free(&work);
    }
}

TEST(defaults) {
  int kind;
  for (kind = HFY_POST_NONE; kind <= HFY_POST_RECTIFIED_POWER; kind++) {
    const hfy_real matrix[4] = {1, 0, 0, 1};
    hfy_post post = {0}, resolved;
    hfy_work work = {0};
    post.kind = (hfy_post_kind)kind;
    post.matrix = matrix;
    CHECK(hfy_post_check_(&post, 2, &resolved, "post", &work) == HFY_OK);
    CHECK(resolved.beta == 1 && resolved.radius == 1 && resolved.eta == 1 && resolved.power == 1);
    CHECK(resolved.eps == 0 && resolved.sigma == 0 && resolved.theta == 0 && resolved.dof_minus == 0);
    post.beta = 2, post.radius = 3, post.eta = 4, post.power = 5;
    CHECK(hfy_post_check_(&post, 2, &resolved, "post", &work) == HFY_OK);
    CHECK(resolved.beta == 2 && resolved.radius == 3 && resolved.eta == 4 && resolved.power == 5);
  }
}

TEST(no_such_gradient) {
  hfy_real z[2] = {1, 2}, out[4] = {7, 7, 7, 7}, matrix[4] = {1, 0, 0, 1};
  hfy_work work = {0};
  hfy_post post = {0};
  hfy_post_grad grad = {0};
  int kind, i;
  post.kind = HFY_POST_TANH;
  grad.gain = out;
  CHECK_FAILS(hfy_post_vjp(&post, z, z, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "grad->gain");
  grad.gain = NULL;
  grad.delta = out;
  CHECK_FAILS(hfy_post_vjp(&post, z, z, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "grad->delta");
  grad.delta = NULL;
  grad.matrix = out;
  CHECK_FAILS(hfy_post_vjp(&post, z, z, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "grad->matrix");
  CHECK(out[0] == 7);
  grad.matrix = NULL;
  CHECK(hfy_post_vjp(&post, z, z, 1, 2, &grad, &work) == HFY_OK); /* nothing asked, nothing done */
  for (kind = HFY_POST_NONE; kind <= HFY_POST_RECTIFIED_POWER; kind++)
    for (i = 0; i < 7; i++) {
      static const char *const names[] = {"beta", "radius", "eta", "eps", "power", "sigma", "theta"};
      int layer = kind == HFY_POST_LAYERNORM, rectified = kind == HFY_POST_RECTIFIED_POWER;
      double number = 7, **member[7];
      member[0] = &grad.beta, member[1] = &grad.radius, member[2] = &grad.eta, member[3] = &grad.eps;
      member[4] = &grad.power, member[5] = &grad.sigma, member[6] = &grad.theta;
      post.kind = (hfy_post_kind)kind, post.matrix = matrix, post.gain = z;
      *member[i] = &number;
      if ((i == 0 && kind == HFY_POST_TANH) || (i == 1 && kind == HFY_POST_L2) ||
          (i == 3 && (layer || kind == HFY_POST_L2)) || (i >= 4 && rectified)) {
        CHECK(hfy_post_vjp(&post, z, z, 1, 2, &grad, &work) == HFY_OK);
      } else { /* eta too, as long as there are gains */
        CHECK_FAILS(hfy_post_vjp(&post, z, z, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, names[i]);
        CHECK_EQ(number, 7);
      }
      *member[i] = NULL;
    }
  hfy_work_free(&work);
}

static void no_psi(const hfy_post *post, const char *words) {
  hfy_real z[3] = {(hfy_real)0.5, (hfy_real)0.25, (hfy_real)0.125}, q[3];
  double value[3] = {7, 7, 7};
  hfy_work work = {0};
  CHECK_FAILS(hfy_post_value(post, z, 1, 3, value, &work), HFY_ERR_UNSUPPORTED, &work, words);
  CHECK_FAILS(hfy_post_conjugate(post, z, 1, 3, value, &work), HFY_ERR_UNSUPPORTED, &work, words);
  CHECK_EQ(value[0], 7);
  CHECK(hfy_post_apply(post, z, NULL, 1, 3, q, &work) == HFY_OK); /* the map itself is allowed */
  hfy_work_free(&work);
}

TEST(no_such_psi) {
  hfy_real gain[3] = {1, 1, 1}, skew[9] = {2, 1, 0, 0, 2, 0, 0, 0, 2}, flat[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  hfy_real negative[9] = {1, 0, 0, 0, -1, 0, 0, 0, 1}, nearly[9] = {2, 0, 0, 0, 2, 0, 0, 0, 2}, z[3] = {1, 1, 1};
  double value = 0;
  hfy_post post = {0};
  hfy_work work = {0};
  post.kind = HFY_POST_LAYERNORM;
  post.gain = gain;
  no_psi(&post, "LAYERNORM with a vector of gains");
  post.kind = HFY_POST_RECTIFIED_POWER;
  post.sigma = 0.5;
  no_psi(&post, "sigma is 0.5");
  post.kind = HFY_POST_LINEAR;
  post.matrix = skew;
  no_psi(&post, "matrix[1][0] is 0 but [0][1] is 1");
  post.matrix = flat;
  no_psi(&post, "not positive definite");
  post.matrix = negative;
  no_psi(&post, "not positive definite");
  post.matrix = nearly; /* rounding is no asymmetry */
  nearly[1] = (hfy_real)(2 * REAL_EPS);
  CHECK(hfy_post_value(&post, z, 1, 3, &value, NULL) == HFY_OK);
  CHECK_NEAR(value, 0.75, 4 * REAL_EPS);
  nearly[1] = (hfy_real)(sizeof(hfy_real) == 8 ? 1e-11 : 1e-5);
  CHECK(hfy_post_value(&post, z, 1, 3, &value, NULL) == HFY_ERR_UNSUPPORTED);
  nearly[1] = (hfy_real)bits_nan();
  CHECK_FAILS(hfy_post_value(&post, z, 1, 3, &value, &work), HFY_ERR_UNSUPPORTED, &work, "matrix[0][1] is nan");
  CHECK_FAILS(hfy_post_apply(&post, z, NULL, 1, 3, gain, &work), HFY_ERR_NONFINITE, &work, "row 0");
  CHECK_EQ(gain[0], 1);
  hfy_work_free(&work);
}

TEST(bad_rows_leave_the_others) {
  hfy_rng rng = hfy_rng_seed(8);
  int kind, bad;
  for (kind = HFY_POST_NONE; kind <= HFY_POST_RECTIFIED_POWER; kind++)
    for (bad = 0; bad < 3; bad++) {
      reference r = random_reference(&rng, (hfy_post_kind)kind, 3, 0);
      hfy_real z[12], q[12], good[12];
      double value[4] = {7, 7, 7, 7}, poison = bad == 0 ? bits_nan() : bad == 1 ? HUGE_VAL : -HUGE_VAL;
      const char *shown = bad == 0 ? "nan" : bad == 1 ? "inf" : "-inf";
      char words[80];
      size_t i;
      hfy_work work = {0};
      arrays a;
      hfy_post post;
      r.sigma = 0;
      if (kind == HFY_POST_LINEAR) make_definite(&rng, r.matrix, 3);
      post = make_post(&r, 3, 0, &a);
      for (i = 0; i < 12; i++) z[i] = (hfy_real)draw(&rng, 0.2);
      CHECK(hfy_post_apply(&post, z, NULL, 4, 3, good, &work) == HFY_OK);
      z[1 * 3 + 2] = (hfy_real)poison;
      z[3 * 3 + 0] = (hfy_real)poison;
      for (i = 0; i < 12; i++) q[i] = 77;
      snprintf(words, sizeof words, "z[2] of row 1 is %s; it should be finite", shown);
      CHECK_FAILS(hfy_post_apply(&post, z, NULL, 4, 3, q, &work), HFY_ERR_NONFINITE, &work, words);
      for (i = 0; i < 12; i++) CHECK_EQ(q[i], i / 3 % 2 ? 77 : (double)good[i]);
      CHECK_FAILS(hfy_post_conjugate(&post, z, 4, 3, value, &work), HFY_ERR_NONFINITE, &work, words);
      CHECK(value[1] == 7 && value[3] == 7 && hfy_base_is_finite_(value[0]) && value[2] != 7);
      value[0] = value[2] = 7;
      words[0] = 'q';
      if (bad == 0)
        CHECK_FAILS(hfy_post_value(&post, z, 4, 3, value, &work), HFY_ERR_NONFINITE, &work, words);
      else
        CHECK(hfy_post_value(&post, z, 4, 3, value, &work) == HFY_OK && hfy_base_is_pos_inf_(value[1]));
      CHECK(value[0] != 7 && value[2] != 7 && (bad || (value[1] == 7 && value[3] == 7)));
      hfy_work_free(&work);
    }
}

TEST(results_beyond_hfy_real) {
  hfy_real z[2] = {0, (hfy_real)(0.5 * REAL_MAX)}, q[2] = {7, 8}, a[4] = {1, 0, 0, 4};
  hfy_work work = {0};
  hfy_post post = {0};
  post.kind = HFY_POST_LINEAR;
  post.matrix = a;
  CHECK_FAILS(hfy_post_apply(&post, z, NULL, 1, 2, q, &work), HFY_ERR_NONFINITE, &work, "row 0: the result");
  CHECK(q[0] == 7 && q[1] == 8);
  a[3] = 2; /* the largest number itself */
  CHECK(hfy_post_apply(&post, z, NULL, 1, 2, q, &work) == HFY_OK);
  CHECK_EQ(q[1], REAL_MAX);
  post.kind = HFY_POST_RECTIFIED_POWER;
  post.power = 2;
  q[1] = 8;
  CHECK(hfy_post_apply(&post, z, NULL, 1, 2, q, &work) == HFY_ERR_NONFINITE);
  CHECK_EQ(q[1], 8);
  { /* Psi: q theta is -infinity, q^(1 + 1/power) +infinity */
    hfy_real far[2] = {(hfy_real)1e10, (hfy_real)1e30};
    double psi = 7;
    post.theta = -1.7e308, post.power = 0.05;
    CHECK_FAILS(hfy_post_value(&post, far, 1, 2, &psi, &work), HFY_ERR_NONFINITE, &work, "row 0: the result");
    CHECK_EQ(psi, 7);
    post.theta = 0, post.power = 2;
  }
#ifdef HFY_DOUBLE
  { /* L^-1 q is (1e308, -infinity, infinity times 0); |delta| is beyond double, its tolerance is not */
    const hfy_real m[9] = {1, 0.999999, 0, 0.999999, 1, 0, 0, 0, 1}, far[4] = {1e308, -1e308, 1, 0};
    const hfy_real delta[4] = {1.7e308, 1.7e308, 1.7e308, 1.7e308};
    double psi = 7;
    post.kind = HFY_POST_LINEAR, post.matrix = m;
    CHECK(hfy_post_value(&post, far, 1, 3, &psi, &work) == HFY_OK);
    CHECK_EQ(psi, HUGE_VAL);
    psi = 7, post.kind = HFY_POST_LAYERNORM, post.delta = delta;
    CHECK(hfy_post_value(&post, far, 1, 4, &psi, &work) == HFY_OK);
    CHECK_EQ(psi, HUGE_VAL);
    CHECK(hfy_post_value(&post, delta, 1, 4, &psi, &work) == HFY_OK);
    CHECK_EQ(psi, 0);
    post.kind = HFY_POST_RECTIFIED_POWER;
  }
#endif
#ifndef HFY_DOUBLE
  post.kind = HFY_POST_L2;
  post.radius = 1e39;
  CHECK(hfy_post_apply(&post, z, NULL, 1, 2, q, &work) == HFY_ERR_NONFINITE);
  CHECK_EQ(q[1], 8);
#endif
  hfy_work_free(&work);
}

TEST(memory_of_the_caller) {
  hfy_real z[4] = {1, 2, 3, 4}, q[4] = {7, 7, 7, 7}, a[16] = {0};
  double value = 7;
  unsigned char buffer[1024];
  hfy_work work = {0};
  hfy_post post = {0};
  size_t i;
  for (i = 0; i < 4; i++) a[i * 5] = 2;
  post.kind = HFY_POST_LINEAR;
  post.matrix = a;
  work.buffer = buffer + 1; /* any alignment */
  work.capacity = 8;
  CHECK_FAILS(hfy_post_apply(&post, z, NULL, 1, 4, q, &work), HFY_ERR_NOMEM, &work, "work->capacity is 8");
  CHECK_EQ(q[0], 7);
  CHECK(work.peak > 8 && work.peak < sizeof buffer);
  work.capacity = work.peak;
  CHECK(hfy_post_apply(&post, z, NULL, 1, 4, q, &work) == HFY_OK);
  CHECK_EQ(q[3], 8);
  CHECK_FAILS(hfy_post_value(&post, z, 1, 4, &value, &work), HFY_ERR_NOMEM, &work, "work->capacity");
  CHECK_EQ(value, 7);
  CHECK(work.peak < sizeof buffer);
  work.capacity = work.peak;
  CHECK(hfy_post_value(&post, z, 1, 4, &value, &work) == HFY_OK);
  CHECK_NEAR(value, 7.5, 4 * REAL_EPS);
  CHECK(work.buffer == buffer + 1 && !work.owned);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(cholesky_factors_and_solves);
  RUN(cholesky_refuses);
  RUN(finite_rows);
  RUN(golden_tanh);
  RUN(golden_l2);
  RUN(golden_l2_eps);
  RUN(golden_layernorm);
  RUN(golden_layernorm_unbiased);
  RUN(golden_layernorm_biased);
  RUN(golden_linear);
  RUN(golden_sign_and_degenerate);
  RUN(golden_rectified_power);
  RUN(apply_agrees_with_reference);
  RUN(vjp_agrees_with_differences);
  RUN(vjp_of_parameters_golden);
  RUN(vjp_where_the_map_stops);
  RUN(fenchel_young);
  RUN(psi_star_has_the_map_as_gradient);
  RUN(psi_outside_its_domain);
  RUN(psi_closed_forms);
  RUN(huge_and_tiny_vectors);
  RUN(layernorm_keeps_digits_far_from_zero);
  RUN(rectified_power_extremes);
  RUN(scaled_path_is_the_direct_path);
  RUN(scaled_path_beyond_the_direct_path);
  RUN(sign_of_zero);
  RUN(none_keeps_bits);
  RUN(bad_arguments);
  RUN(bad_parameters);
  RUN(defaults);
  RUN(no_such_gradient);
  RUN(no_such_psi);
  RUN(bad_rows_leave_the_others);
  RUN(results_beyond_hfy_real);
  RUN(memory_of_the_caller);
  return CHECK_END();
}
