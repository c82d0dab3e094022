/* test_sep_grad.c: derivatives of separations, against finite differences of oracle.h and golden rows, and bounds. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "seps.h"

/* --- derivatives against finite differences of the oracle --- */

/* Central difference of order 4 of v . prediction along direction d of the scores; 0 if a kink is near. */
enum { ALONG_THETA, ALONG_ALPHA, ALONG_GAMMA, ALONG_UPPER, ALONG_LOWER };
static int slope(const hfy_sep *sep, const hfy_real *theta, size_t n, const hfy_real *v, int along, size_t at,
                 wide *out) {
  static const wide weight[] = {8 / 12.0L, -1 / 12.0L};
  static wide t[ROW], y[ROW], lower[ROW], upper[ROW], h = 1e-7L;
  unsigned long here = 0;
  wide sum = 0;
  size_t i;
  int k, side;
  for (k = 0; k <= 2; k++)
    for (side = k ? -1 : 1; side <= 1; side += 2) {
      hfy_sep moved = *sep;
      wide dot = 0, step = (wide)(side * k) * h, alpha = oracle_or(sep->alpha, 1.5), gamma = oracle_or(sep->gamma, 2);
      widen(theta, n, t);
      for (i = 0; i < n; i++) {
        lower[i] = sep->lower ? sep->lower[i] : 0;
        upper[i] = sep->upper ? sep->upper[i] : sep->kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VALL;
      }
      if (along == ALONG_THETA) t[at] += step;
      if (along == ALONG_UPPER) upper[at] += step;
      if (along == ALONG_LOWER) lower[at] += step;
      oracle_signature = 0;
      if (along == ALONG_ALPHA)
        oracle_entmax(alpha + step, t, n, y);
      else if (along == ALONG_GAMMA)
        oracle_normmax(gamma + step, t, n, y);
      else
        oracle_sep_bounds(&moved, t, n, lower, upper, y);
      if (along == ALONG_ALPHA || along == ALONG_GAMMA)
        for (i = 0; i < n; i++) oracle_sign(y[i] > 0);
      if (k == 0) here = oracle_signature;
      if (oracle_signature != here) return 0;
      for (i = 0; i < n; i++) dot += y[i] * v[i];
      if (k) sum += (wide)side * weight[k - 1] * dot / h;
    }
  *out = sum;
  return 1;
}

static double smallest(const hfy_real *y, size_t n) {
  double least = 1;
  size_t i;
  for (i = 0; i < n; i++)
    if (y[i] > 0 && (double)y[i] < least) least = (double)y[i];
  return least;
}

static void vjp_theta(hfy_sep sep, int shape, double scale, size_t n, uint64_t seed) {
  hfy_real t[ROW], y[ROW], v[ROW], g[ROW];
  hfy_rng rng = hfy_rng_seed(seed);
  hfy_sep_grad grad;
  size_t i;
  double size = 1;
  int trial, compared = 0;
  memset(&grad, 0, sizeof grad);
  grad.theta = g;
  for (trial = 0; trial < 8; trial++) {
    scores(&rng, shape, scale, n, t);
    for (i = 0; i < n; i++) v[i] = (hfy_real)hfy_rng_normal(&rng);
    CHECK(hfy_sep_apply(&sep, t, 1, n, y, NULL) == HFY_OK);
    if (is_simplex(&sep) && smallest(y, n) < 0.03 && (sep.alpha > 2 || sep.gamma > 2)) continue; /* a cliff */
    CHECK(hfy_sep_vjp(&sep, t, y, v, 1, n, &grad, NULL) == HFY_OK);
    for (i = 0; i < n; i++) size = fabs((double)g[i]) > size ? fabs((double)g[i]) : size;
    for (i = 0; i < n; i++) {
      wide want;
      if (!oracle_finite(t[i])) {
        CHECK_EQ(g[i], 0);
        continue;
      }
      if (!slope(&sep, t, n, v, ALONG_THETA, i, &want)) continue;
      compared++;
      CHECK_NEAR((double)g[i] / size, (double)want / size, sizeof(hfy_real) == 8 ? 1e-10 : 16 * REAL_EPS);
    }
  }
  CHECK(compared > 4);
  show(&sep, n, scale);
}

TEST(vjp_softmax) {
  vjp_theta(sep_of(HFY_SEP_SOFTMAX), SHAPE_NORMAL, 1, 9, 30);
  vjp_theta(sep_of(HFY_SEP_SOFTMAX), SHAPE_MASKED, 1, 9, 31);
  vjp_theta(sep_of(HFY_SEP_SOFTMAX), SHAPE_TIES, 1, 9, 32);
}
TEST(vjp_sparsemax) {
  vjp_theta(sep_of(HFY_SEP_SPARSEMAX), SHAPE_NORMAL, 0.3, 9, 33);
  vjp_theta(sep_of(HFY_SEP_SPARSEMAX), SHAPE_MASKED, 0.3, 9, 34);
  vjp_theta(sep_of(HFY_SEP_SPARSEMAX), SHAPE_NORMAL, 1, 40, 35);
}
TEST(vjp_entmax) {
  vjp_theta(entmax(0.5), SHAPE_NORMAL, 1, 9, 36);
  vjp_theta(entmax(0.999), SHAPE_NORMAL, 1, 9, 37);
  vjp_theta(entmax(1), SHAPE_NORMAL, 1, 9, 38);
  vjp_theta(entmax(1.001), SHAPE_NORMAL, 0.5, 9, 39);
  vjp_theta(entmax(1.3), SHAPE_NORMAL, 0.5, 9, 40);
  vjp_theta(entmax(1.5), SHAPE_MASKED, 0.5, 9, 41);
  vjp_theta(entmax(1.8), SHAPE_NORMAL, 0.3, 9, 42);
  vjp_theta(entmax(2), SHAPE_NORMAL, 0.3, 9, 43);
  vjp_theta(entmax(2.5), SHAPE_NORMAL, 0.1, 9, 44);
  vjp_theta(entmax(4), SHAPE_NORMAL, 0.01, 9, 45);
}
TEST(vjp_normmax) {
  vjp_theta(normmax(1.2), SHAPE_NORMAL, 0.3, 9, 46);
  vjp_theta(normmax(1.5), SHAPE_NORMAL, 0.3, 9, 47);
  vjp_theta(normmax(2), SHAPE_MASKED, 0.3, 9, 48);
  vjp_theta(normmax(3), SHAPE_NORMAL, 0.1, 9, 49);
  vjp_theta(normmax(5), SHAPE_NORMAL, 0.1, 9, 50);
}
TEST(vjp_ksubsets) {
  hfy_sep sep = ksubsets(3);
  vjp_theta(sep, SHAPE_NORMAL, 0.5, 9, 51);
  vjp_theta(ksubsets(2.5), SHAPE_MASKED, 0.5, 9, 52);
  sep.rho = 0.4;
  vjp_theta(sep, SHAPE_NORMAL, 0.3, 9, 53);
}
TEST(vjp_elementwise) {
  vjp_theta(sep_of(HFY_SEP_IDENTITY), SHAPE_NORMAL, 1, 9, 54);
  vjp_theta(power(3), SHAPE_NORMAL, 1, 9, 55);
  vjp_theta(power(4.5), SHAPE_NORMAL, 1, 9, 56);
  vjp_theta(sep_of(HFY_SEP_EXP), SHAPE_NORMAL, 1, 9, 57);
}
TEST(vjp_sum_of_two) {
  hfy_sep more = entmax(1.5), sep = sep_of(HFY_SEP_SOFTMAX);
  sep.plus = &more;
  vjp_theta(sep, SHAPE_NORMAL, 0.5, 9, 58);
  sep = sep_of(HFY_SEP_IDENTITY);
  sep.plus = &more;
  vjp_theta(sep, SHAPE_NORMAL, 0.5, 9, 59);
}

TEST(vjp_of_jumps_is_0) {
  hfy_sep list[5];
  hfy_real t[6], y[6], v[6], g[6];
  hfy_rng rng = hfy_rng_seed(60);
  hfy_sep_grad grad;
  size_t c;
  memset(&grad, 0, sizeof grad);
  grad.theta = g;
  list[0] = argmax(2);
  list[1] = sep_of(HFY_SEP_UNIFORM);
  list[2] = normmax(HUGE_VAL);
  list[3] = entmax(HUGE_VAL);
  list[4] = normmax(1);
  scores(&rng, SHAPE_NORMAL, 0.2, 6, t);
  fill(v, 6, 2.5);
  v[0] = -1;
  for (c = 0; c < 5; c++) {
    fill(g, 6, 7);
    CHECK(hfy_sep_apply(&list[c], t, 1, 6, y, NULL) == HFY_OK);
    CHECK(hfy_sep_vjp(&list[c], t, y, v, 1, 6, &grad, NULL) == HFY_OK);
    CHECK(all_are(g, 6, 0));
    show(&list[c], 6, 0.2);
  }
}

TEST(vjp_is_symmetric_and_kills_constants) {
  hfy_sep list[64];
  hfy_rng rng = hfy_rng_seed(61);
  size_t count = all_seps(list), c, i;
  hfy_sep_grad grad;
  memset(&grad, 0, sizeof grad);
  for (c = 0; c < count; c++) {
    hfy_real t[12], y[12], u[12], v[12], ju[12], jv[12];
    double uv = 0, vu = 0, size = 1;
    if (list[c].alpha > 4 || list[c].gamma > 5) continue;
    scores(&rng, SHAPE_NORMAL, 0.1, 12, t);
    for (i = 0; i < 12; i++) {
      u[i] = (hfy_real)hfy_rng_normal(&rng);
      v[i] = (hfy_real)hfy_rng_normal(&rng);
    }
    CHECK(hfy_sep_apply(&list[c], t, 1, 12, y, NULL) == HFY_OK);
    grad.theta = ju;
    CHECK(hfy_sep_vjp(&list[c], t, y, u, 1, 12, &grad, NULL) == HFY_OK);
    grad.theta = jv;
    CHECK(hfy_sep_vjp(&list[c], t, y, v, 1, 12, &grad, NULL) == HFY_OK);
    for (i = 0; i < 12; i++) {
      uv += (double)v[i] * (double)ju[i];
      vu += (double)u[i] * (double)jv[i];
      if (fabs((double)ju[i]) > size) size = fabs((double)ju[i]);
    }
    CHECK_NEAR(uv / size, vu / size, 64 * REAL_EPS);
    if (!is_polytope(&list[c])) continue;
    fill(u, 12, 3);
    grad.theta = ju;
    CHECK(hfy_sep_vjp(&list[c], t, y, u, 1, 12, &grad, NULL) == HFY_OK);
    for (i = 0; i < 12; i++) CHECK_NEAR((double)ju[i] / size, 0, 16 * REAL_EPS);
    show(&list[c], 12, 0.1);
  }
}

TEST(vjp_in_place_and_batch) {
  hfy_sep list[64];
  hfy_rng rng = hfy_rng_seed(62);
  size_t count = all_seps(list), c, i, j;
  hfy_sep_grad grad;
  memset(&grad, 0, sizeof grad);
  for (c = 0; c < count; c++) {
    hfy_real t[3 * 10], y[3 * 10], v[3 * 10], g[3 * 10], one[10];
    for (j = 0; j < 3; j++) scores(&rng, (int)j, 0.3, 10, t + j * 10);
    for (i = 0; i < 30; i++) v[i] = (hfy_real)hfy_rng_normal(&rng);
    CHECK(hfy_sep_apply(&list[c], t, 3, 10, y, NULL) == HFY_OK);
    grad.theta = g;
    CHECK(hfy_sep_vjp(&list[c], t, y, v, 3, 10, &grad, NULL) == HFY_OK);
    for (j = 0; j < 3; j++) {
      grad.theta = one;
      CHECK(hfy_sep_vjp(&list[c], t + j * 10, y + j * 10, v + j * 10, 1, 10, &grad, NULL) == HFY_OK);
      CHECK(same_bits(one, g + j * 10, sizeof one));
    }
    grad.theta = v;
    CHECK(hfy_sep_vjp(&list[c], t, y, v, 3, 10, &grad, NULL) == HFY_OK);
    CHECK(same_bits(v, g, sizeof g));
    show(&list[c], 10, 0.3);
  }
}

TEST(vjp_without_theta_where_it_is_not_read) {
  hfy_sep list[64];
  hfy_real t[8], y[8], v[8], g[8], h[8];
  hfy_rng rng = hfy_rng_seed(63);
  size_t count = all_seps(list), c;
  hfy_sep_grad grad;
  memset(&grad, 0, sizeof grad);
  scores(&rng, SHAPE_NORMAL, 0.2, 8, t);
  scores(&rng, SHAPE_NORMAL, 1, 8, v);
  for (c = 0; c < count; c++) {
    if (list[c].kind == HFY_SEP_POWER || list[c].kind == HFY_SEP_IDENTITY) continue;
    if (list[c].kind == HFY_SEP_RECTIFIED) continue;
    if (list[c].gamma > 100 && list[c].gamma < 1e300) continue; /* see vjp_theta_that_is_read */
    CHECK(hfy_sep_apply(&list[c], t, 1, 8, y, NULL) == HFY_OK);
    grad.theta = g;
    CHECK(hfy_sep_vjp(&list[c], t, y, v, 1, 8, &grad, NULL) == HFY_OK);
    grad.theta = h;
    CHECK(hfy_sep_vjp(&list[c], NULL, y, v, 1, 8, &grad, NULL) == HFY_OK);
    CHECK(same_bits(g, h, sizeof g));
    show(&list[c], 8, 0.2);
  }
}

/* parameter gradients: summed over the rows of a batch */
static void vjp_parameter(hfy_sep sep, int along, double scale, uint64_t seed) {
  enum { N = 9, ROWS = 3 };
  hfy_rng rng = hfy_rng_seed(seed);
  hfy_real t[ROWS * N], y[ROWS * N], v[ROWS * N];
  hfy_sep_grad grad;
  hfy_sep more, sum = sep;
  int trial, compared = 0;
  memset(&grad, 0, sizeof grad);
  memset(&more, 0, sizeof more);
  more.kind = HFY_SEP_IDENTITY;
  sum.plus = &more;
  for (trial = 0; trial < 12; trial++) {
    double got = 1e9, size = 1, alone;
    wide want = 0, part;
    size_t i, j, good = 0;
    grad.alpha = along == ALONG_ALPHA ? &got : NULL;
    grad.gamma = along == ALONG_GAMMA ? &got : NULL;
    for (j = 0; j < ROWS; j++) scores(&rng, j == 1 ? SHAPE_MASKED : SHAPE_NORMAL, scale, N, t + j * N);
    for (i = 0; i < ROWS * N; i++) v[i] = (hfy_real)hfy_rng_normal(&rng);
    CHECK(hfy_sep_apply(&sep, t, ROWS, N, y, NULL) == HFY_OK);
    CHECK(hfy_sep_vjp(&sum, t, y, v, ROWS, N, &grad, NULL) == HFY_OK); /* the first link's, whatever follows */
    alone = got;
    CHECK(hfy_sep_vjp(&sep, t, y, v, ROWS, N, &grad, NULL) == HFY_OK);
    CHECK_NEAR(alone, got, 1e-13);
    for (j = 0; j < ROWS; j++)
      if (smallest(y + j * N, N) > 0.003 && slope(&sep, t + j * N, N, v + j * N, along, 0, &part))
        want += part, good++;
    if (good < ROWS) continue;
    compared++;
    CHECK_NEAR(got / size, (double)want, sizeof(hfy_real) == 8 ? 1e-10 : 128 * REAL_EPS);
  }
  CHECK(compared > 0);
  show(&sep, N, scale);
}

TEST(vjp_alpha) {
  vjp_parameter(entmax(0.4), ALONG_ALPHA, 1, 70);
  vjp_parameter(entmax(0.99), ALONG_ALPHA, 1, 71);
  vjp_parameter(entmax(1.0005), ALONG_ALPHA, 0.7, 73);
  vjp_parameter(entmax(1.2), ALONG_ALPHA, 0.7, 74);
  vjp_parameter(entmax(1.5), ALONG_ALPHA, 0.5, 75);
  vjp_parameter(entmax(2), ALONG_ALPHA, 0.3, 76);
  vjp_parameter(entmax(2.7), ALONG_ALPHA, 0.1, 77);
  vjp_parameter(entmax(5), ALONG_ALPHA, 0.02, 78);
}
TEST(vjp_alpha_at_1) { vjp_parameter(entmax(1), ALONG_ALPHA, 0.7, 72); }
TEST(vjp_gamma) {
  vjp_parameter(normmax(1.1), ALONG_GAMMA, 0.1, 80);
  vjp_parameter(normmax(1.5), ALONG_GAMMA, 0.2, 81);
  vjp_parameter(normmax(2), ALONG_GAMMA, 0.2, 82);
  vjp_parameter(normmax(5), ALONG_GAMMA, 0.1, 83);
  vjp_parameter(normmax(20), ALONG_GAMMA, 0.05, 84);
}

/* --- derivatives at extreme parameters --- */

/* Weights (far_rows: scores) in units of 2^-bits and a cotangent in units of 1/32; J^T v and the parameter's gradient
   of docs/math.md 7 in 400 digits (mpmath). */
typedef struct golden_row {
  double parameter;
  int bits, row[4], v[4];
  double jv[4], gradient;
} golden_row;
static const golden_row entmax_rows[] = {
  {0.25, 10, {192, 238, 396, 198}, {-16, -17, 57, -17},
   {-0.0606740840062, -0.090787219165, 0.2172542171602, -0.065792913989}, 0.4618520747837},
  {1, 20, {1, 407, 1, 1048167}, {-54, 37, 51, -24},
   {-8.947765763878e-07, 0.0007396145476832, 2.23446727432e-06, -0.0007409542383812}, -0.02294116781707},
  {1.25, 22, {1241285, 2951495, 1292, 232}, {-3, -57, 54, 19},
   {0.4421104108323, -0.4499617308894, 0.006703652541403, 0.001147667515624}, -0.3192399712523},
  {2, 10, {184, 355, 217, 268}, {63, -63, -43, 53},
   {1.890625, -2.046875, -1.421875, 1.578125}, -0.3406219086716},
  {2.5, 20, {58018, 1286, 14641, 974631}, {-43, 1, 16, -6},
   {-5.633921954457, 1.421087450837, 4.38811068398, -0.1752761803608}, -0.227410617879},
  {3, 22, {1797637, 350, 2379567, 16750}, {-37, 10, 34, -47},
   {-3.341495769085, 438.8216289979, 1.386519299582, -436.8666525284}, -0.1963928511563},
  {5, 10, {487, 430, 1, 106}, {-51, 56, 32, 37},
   {-24.11243778679, 10.12874641376, -126.8809427873, 140.8646341603}, -0.2081098129317},
  {10, 20, {18526, 203023, 46, 826981}, {22, -42, 15, 21},
   {2.304061622638e+13, -901908.0356799, -2.304061532447e+13, 1.252668984875}, -0.05966729297455},
  {25, 22, {17, 337306, 3845052, 11929}, {-39, -62, -49, 55},
   {-1.064787131512e+59, -1.079449015119e+25, -2.308218006584, 1.064787131512e+59}, -0.005650589460446},
  {50, 10, {413, 91, 289, 231}, {-16, -31, 43, 34},
   {3.978659012756e+18, -2.23252761494e+31, 5.437298900617e+26, 2.23247324195e+31}, 0.03481926010438},
  {100, 8, {29, 107, 53, 67}, {13, -59, -11, -17},
   {8.008342581155e+66, -3.020570005642e+37, -8.008342580098e+66, -1.057200140752e+57}, -0.01421585518554},
  {200, 8, {50, 112, 82, 12}, {-27, -10, 49, 2},
   {-2.470018993288e+140, -4.574840011398e+70, 1.156959720803e+98, 2.470018993288e+140}, 0.0005605509151281},
};
static const golden_row normmax_rows[] = {
  {1.0009765625, 10, {5, 340, 464, 215}, {-45, -41, -11, -2},
   {-4.046387685734, -231.477149274, 119.5336339566, 115.9899030031}, -1.044968043323},
  {1.25, 20, {13, 179341, 861853, 7369}, {59, -30, 34, -18},
   {0.0009353672714603, -1.603711130542, 1.719014908384, -0.1162391451134}, -1.792442159467},
  {2, 22, {1273372, 896364, 768366, 1256202}, {-16, -24, -14, 35},
   {-0.1704633815584, -0.3136030467728, -0.1591474496816, 0.6432138780128}, -0.05270223819098},
  {3, 10, {451, 307, 214, 52}, {-55, 1, -3, 36},
   {-2.404084311836, -1.141597677263, -0.6453389257484, 4.191020914847}, -0.01657058713131},
  {10, 20, {234442, 295947, 277442, 240745}, {-20, -47, -32, -6},
   {0.03044578129608, -0.09302597082659, -0.06971265119764, 0.1322928407282}, 0.003989020111277},
  {50, 22, {1102642, 1173178, 1159341, 759143}, {-10, -12, -60, -47},
   {1401184.026233, 1490817.638479, 1473234.230984, -4365235.895696}, 458.1096526341},
  {100, 10, {271, 303, 201, 249}, {30, -31, -41, 28},
   {2.798762064043e+14, 3.129243193375e+14, -8.499561551471e+14, 2.571556294053e+14}, 5410509.469647},
};
static const golden_row far_rows[] = {
  {101, 11, {283, 922, 677, 287}, {-56, -60, 57, 27},
   {-0.02906534916904, -0.008915163508327, 0.01639678921724, 0.02158372346013}, 3.343117817965e-06},
  {200, 11, {638, 68, 43, 153}, {59, -47, 15, 17},
   {0.005882205969577, -0.01132300110388, 0.002655201789574, 0.002785593344724}, -9.180714859266e-06},
  {1000, 11, {279, 279, 154, 927}, {30, -53, -31, 23},
   {0.001904101390375, -0.001576381994887, -0.001128018453518, 0.0008002990580291}, -3.106943902389e-07},
  {1e6, 11, {720, 173, 969, 159}, {42, -57, 63, -61},
   {3.065341806861e-06, -2.715289457801e-06, 3.155471095372e-06, -3.505523444433e-06}, -1.406004421792e-12},
  {1e10, 11, {783, 776, 25, 147}, {-44, -41, -35, 1},
   {-4.879097190479e-11, -4.339500245609e-11, -1.029240643226e-10, 1.951100386834e-10}, 2.340383571297e-21},
  {1e30, 11, {852, 676, 795, 937}, {48, 54, -43, -57},
   {1.180959386387e-30, 2.09153039778e-30, -1.618009914781e-30, -1.654479869386e-30}, 1.889649814446e-61},
  {1e300, 11, {635, 179, 984, 45}, {-6, -36, 63, 60},
   {-1.298943241681e-300, -4.595716172031e-300, -2.62114103215e-302, 5.920870824034e-300}, -0},
};

/* relative: the entries of one row lie up to 140 powers of ten apart; what is beyond hfy_real is infinite */
static void check_relative(double got, double want, double tol) {
  if (fabs(want) > REAL_MAX)
    CHECK_EQ(got, want > 0 ? HUGE_VAL : -HUGE_VAL);
  else if (!(fabs(got - want) <= tol * fabs(want) + (sizeof(hfy_real) == 4 ? 1e-44 : 1e-320)))
    CHECK_EQ(got, want);
}

static void golden_vjp(hfy_sep sep, const golden_row *row, int scores_given, double tol) {
  hfy_real t[4], y[4], v[4], g[4];
  double gradient = 7;
  hfy_sep_grad grad;
  size_t i;
  memset(&grad, 0, sizeof grad);
  grad.theta = g;
  *(sep.kind == HFY_SEP_ENTMAX ? &grad.alpha : &grad.gamma) = &gradient;
  for (i = 0; i < 4; i++) {
    t[i] = y[i] = (hfy_real)ldexp(row->row[i], -row->bits);
    v[i] = (hfy_real)row->v[i] / 32;
  }
  if (scores_given) CHECK(hfy_sep_apply(&sep, t, 1, 4, y, NULL) == HFY_OK);
  CHECK(hfy_sep_vjp(&sep, t, y, v, 1, 4, &grad, NULL) == HFY_OK);
  for (i = 0; i < 4; i++) check_relative((double)g[i], row->jv[i], tol + REAL_EPS);
  check_relative(gradient, row->gradient, 1e-10);
  show(&sep, 4, 1);
}

TEST(vjp_golden_rows) {
  size_t i;
  for (i = 0; i < COUNT(entmax_rows); i++) golden_vjp(entmax(entmax_rows[i].parameter), &entmax_rows[i], 0, 2e-12);
  for (i = 0; i < COUNT(normmax_rows); i++)
    golden_vjp(normmax(normmax_rows[i].parameter), &normmax_rows[i], 0, 2e-12);
  for (i = 0; i < COUNT(far_rows); i++) golden_vjp(normmax(far_rows[i].parameter), &far_rows[i], 1, 2e-12);
}

/* d y_2 / d theta_2 = 1/(y_1^(alpha-2) + y_2^(alpha-2)), d y_2 / d alpha = that times kappa(ln y_1) - kappa(ln y_2) */
TEST(vjp_of_two_scores) {
  static const double parameters[] = {2.01, 2.5, 3, 4, 6, 10, 25, 50, 100, 200, 1000, 1e6, 1e12, 1e30, 1e308};
  static const int bits[] = {1, 2, 4, 7, 10, 17, 23, 40, 100};
  hfy_sep_grad grad;
  size_t i, j;
  memset(&grad, 0, sizeof grad);
  for (i = 0; i < COUNT(parameters); i++)
    for (j = 0; j < COUNT(bits); j++) {
      hfy_sep sep = entmax(parameters[i]);
      hfy_real y[2], g[2], v[] = {0, 1};
      wide a = (wide)parameters[i] - 1, p = ldexpl(1, -bits[j]), l1 = log1pl(-p), l2 = logl(p);
      wide k1 = 1 - expl(a * l1) * (1 - a * l1), k2 = 1 - expl(a * l2) * (1 - a * l2), d_alpha;
      wide big = (a - 1) * l1, ratio = expl((a - 1) * (l2 - l1));
      double got = 7;
      if (a * l1 < -11000) k1 = 1; /* 0 times infinity */
      if (a * l2 < -11000) k2 = 1;
      y[0] = (hfy_real)(1 - (double)p);
      y[1] = (hfy_real)(double)p;
      grad.theta = g;
      grad.alpha = &got;
      CHECK(hfy_sep_vjp(&sep, NULL, y, v, 1, 2, &grad, NULL) == HFY_OK);
      check_relative((double)g[1], (double)(expl(-big) / (1 + ratio)), 1e-12 + REAL_EPS + 4e-16 * (double)-big);
      check_relative((double)g[0], -(double)g[1], 1e-15);
      d_alpha = expl(-big) / (1 + ratio) / a / a * (k1 - k2);
      if (bits[j] == 1) d_alpha = 0;
      if (-big < 300) CHECK_NEAR(got / (double)(1 / a / a), (double)(d_alpha * a * a), 1e-9 * exp(-(double)big));
      CHECK(oracle_finite(got));
      show(&sep, 2, bits[j]);
    }
}

/* Of n equal scores: J = n^(alpha-2) (I - 1/n), or n^(-1/gamma)/(gamma-1) (I - 1/n); no parameter moves them. */
TEST(vjp_of_equal_scores) {
  static const size_t sizes[] = {2, 3, 200, 2000};
  static const double near[] = {1.0001, 1.5, 2, 3, 10, 95, 99, 105, 136, 1000, 1044, 1e6, 1e8, 1e15, 1e30, 1e300};
  static hfy_real t[2000], y[2000], v[2000], g[2000];
  hfy_sep_grad grad;
  size_t c, j, i;
  int kind;
  memset(&grad, 0, sizeof grad);
  grad.theta = g;
  for (j = 0; j < COUNT(sizes); j++)
    for (c = 0; c < COUNT(near); c++)
      for (kind = 0; kind < 2; kind++) {
        hfy_sep sep = kind ? normmax(near[c]) : entmax(near[c]);
        size_t n = sizes[j];
        double got = 7, log_scale = kind ? -log((double)n) / near[c] - log(near[c] - 1)
                                         : (near[c] - 2) * log((double)n);
        grad.alpha = kind ? NULL : &got;
        grad.gamma = kind ? &got : NULL;
        for (i = 0; i < n; i++) {
          t[i] = (hfy_real)0.375;
          v[i] = (hfy_real)(i == 0 ? 1 : 0);
        }
        CHECK(hfy_sep_apply(&sep, t, 1, n, y, NULL) == HFY_OK);
        CHECK(hfy_sep_vjp(&sep, t, y, v, 1, n, &grad, NULL) == HFY_OK);
        check_relative((double)g[0], exp(log_scale) * (1 - 1 / (double)n),
                       (kind ? 2e-13 : 1e-12 + near[c] * REAL_EPS) * (1 + fabs(log_scale)) + REAL_EPS);
        for (i = 1; i < n; i++) /* v is one unit vector: none of the others moves */
          if (!(g[i] <= 0) || g[i] > g[1] || g[i] < g[1]) CHECK_EQ(g[i], g[1]);
        CHECK_NEAR(got, 0, 1e-15);
        for (i = 0; i < n; i++) v[i] = (hfy_real)0.7; /* constants move nothing, slopes without end or not */
        CHECK(hfy_sep_vjp(&sep, t, y, v, 1, n, &grad, NULL) == HFY_OK);
        for (i = 0; i < n; i++)
          if (!(fabs((double)g[i]) <= 0)) CHECK_EQ(g[i], 0);
        show(&sep, n, 1);
      }
}

/* Weights far from any prediction: numbers or infinities, never NaN. */
TEST(vjp_of_weights_that_no_scores_give) {
  static const double near[] = {0.01, 0.99, 1.01, 1.5, 2, 2.5, 10, 99, 101, 1e4, 1e30};
  static const hfy_real t[] = {0, 2, -3, (hfy_real)0.5};
  hfy_sep_grad grad;
  size_t c, i, j;
  memset(&grad, 0, sizeof grad);
  for (c = 0; c < 2 * COUNT(near); c++)
    for (j = 0; j < 4; j++) {
      hfy_sep sep = c % 2 ? normmax(near[c / 2]) : entmax(near[c / 2]);
      hfy_real y[4], v[] = {1, (hfy_real)0.25, -2, 0}, g[4];
      double got = 7;
      if (c % 2 && near[c / 2] < 1) continue;
      grad.theta = g;
      grad.alpha = c % 2 ? NULL : &got;
      grad.gamma = c % 2 ? &got : NULL;
      fill(y, 4, 0.25);
      if (j > 0) {
        y[1] = (hfy_real)ldexp(1, -100);
        y[2] = (hfy_real)0.75;
      }
      if (j > 1) y[3] = (hfy_real)(sizeof(hfy_real) == 4 ? 1e-44 : 1e-299);
      if (j > 2) y[0] = (hfy_real)(sizeof(hfy_real) == 4 ? 1e-45 : 1e-320);
      CHECK(hfy_sep_vjp(&sep, t, y, v, 1, 4, &grad, NULL) == HFY_OK);
      for (i = 0; i < 4; i++) CHECK(g[i] <= 0 || g[i] >= 0);
      CHECK(got <= 0 || got >= 0);
      show(&sep, 4, (double)j);
    }
}

/* What holds of every Jacobian, over the whole range of the parameters: columns sum to 0, symmetric, not negative,
   constants do not move anything; finite but where hfy_real ends, never NaN. */
TEST(vjp_over_the_whole_range) {
  enum { N = 16 };
  static const double near[] = {1e-6, 0.5, 1, 1 + 1e-12, 1.0001, 1.5, 2, 2.001, 3, 5, 10, 25, 50, 99, 101, 200, 1e3,
                                1e6,  1e8, 1e15, 1e30, 1e300};
  hfy_rng rng = hfy_rng_seed(64);
  hfy_sep_grad grad;
  size_t c, i;
  int trial, kind, finite_rows = 0;
  memset(&grad, 0, sizeof grad);
  for (kind = 0; kind < 2; kind++)
    for (c = 0; c < COUNT(near); c++)
      for (trial = 0; trial < 40; trial++) {
        hfy_sep sep = kind ? normmax(near[c]) : entmax(near[c]);
        double size = 0, total = 0, uv = 0, vu = 0, vv = 0, got = 0, eps = 64 * REAL_EPS, most_u = 0;
        hfy_real t[N], y[N], u[N], v[N], ju[N], jv[N];
        if (kind && near[c] <= 1) continue;
        scores(&rng, trial % SHAPES, trial % 3 ? 0.5 / (1 + (kind ? 0 : near[c])) : 1, N, t);
        for (i = 0; i < N; i++) {
          u[i] = (hfy_real)hfy_rng_normal(&rng);
          v[i] = (hfy_real)hfy_rng_normal(&rng);
        }
        CHECK(hfy_sep_apply(&sep, t, 1, N, y, NULL) == HFY_OK);
        grad.alpha = kind ? NULL : &got;
        grad.gamma = kind ? &got : NULL;
        grad.theta = ju;
        CHECK(hfy_sep_vjp(&sep, t, y, u, 1, N, &grad, NULL) == HFY_OK);
        grad.theta = jv;
        CHECK(hfy_sep_vjp(&sep, t, y, v, 1, N, &grad, NULL) == HFY_OK);
        CHECK(oracle_finite(got));
        for (i = 0; i < N; i++) {
          CHECK(ju[i] <= 0 || ju[i] >= 0); /* no NaN */
          CHECK(y[i] > 0 || (jv[i] <= 0 && jv[i] >= 0));
          if (fabs((double)ju[i]) > most_u) most_u = fabs((double)ju[i]);
          if (fabs((double)jv[i]) > size) size = fabs((double)jv[i]);
        }
        if (size < 1e-30 || size > 1e30 || most_u > 1e30) continue;
        finite_rows++;
        for (i = 0; i < N; i++) {
          total += (double)jv[i] / size;
          uv += (double)v[i] * (double)ju[i] / size;
          vu += (double)u[i] * (double)jv[i] / size;
          vv += (double)v[i] * (double)jv[i] / size;
        }
        CHECK_NEAR(total, 0, eps);
        CHECK_NEAR(uv, vu, eps * (1 + most_u / size));
        CHECK(vv >= -eps);
        for (i = 0; i < N; i++) u[i] = 3;
        grad.theta = ju;
        CHECK(hfy_sep_vjp(&sep, t, y, u, 1, N, &grad, NULL) == HFY_OK);
        for (i = 0; i < N; i++) CHECK_NEAR((double)ju[i] / size, 0, eps);
        show(&sep, N, trial);
      }
  CHECK(finite_rows > 600);
}

TEST(vjp_bounds) {
  enum { N = 9 };
  hfy_rng rng = hfy_rng_seed(90);
  double lower[N], upper[N], dl[N], du[N];
  hfy_real t[N], y[N], v[N], g[N];
  hfy_sep_grad grad;
  int trial, compared = 0;
  size_t i;
  memset(&grad, 0, sizeof grad);
  for (trial = 0; trial < 60; trial++) {
    hfy_sep sep = trial % 2 ? ksubsets(2.5) : sep_of(HFY_SEP_SPARSEMAX);
    wide want;
    bounds(&rng, N, trial % 2 ? 2.5 : 1, lower, upper);
    sep.lower = lower;
    sep.upper = upper;
    scores(&rng, SHAPE_NORMAL, 0.3, N, t);
    for (i = 0; i < N; i++) {
      v[i] = (hfy_real)hfy_rng_normal(&rng);
      dl[i] = du[i] = 1e9;
    }
    grad.theta = g;
    grad.lower = dl;
    grad.upper = du;
    CHECK(hfy_sep_apply(&sep, t, 1, N, y, NULL) == HFY_OK);
    CHECK(hfy_sep_vjp(&sep, t, y, v, 1, N, &grad, NULL) == HFY_OK);
    for (i = 0; i < N; i++) {
      double tol = sizeof(hfy_real) == 8 ? 1e-10 : 16 * REAL_EPS;
      if (!(lower[i] < upper[i])) continue;
      if (slope(&sep, t, N, v, ALONG_THETA, i, &want)) CHECK_NEAR(g[i], (double)want, tol), compared++;
      if (slope(&sep, t, N, v, ALONG_LOWER, i, &want)) CHECK_NEAR(dl[i], (double)want, tol), compared++;
      if (slope(&sep, t, N, v, ALONG_UPPER, i, &want)) CHECK_NEAR(du[i], (double)want, tol), compared++;
    }
    show(&sep, N, trial);
  }
  CHECK(compared > 1000);
}

TEST(vjp_bounds_of_rows) {
  enum { N = 6, STRIDE = 8 };
  hfy_rng rng = hfy_rng_seed(91);
  double lower[2 * STRIDE], upper[2 * STRIDE], du[2 * STRIDE], dl[2 * STRIDE], su[STRIDE], one[STRIDE];
  hfy_real t[2 * N], y[2 * N], v[2 * N];
  hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
  hfy_sep_grad grad;
  size_t i, j;
  memset(&grad, 0, sizeof grad);
  for (j = 0; j < 2; j++) bounds(&rng, N, 1, lower + j * STRIDE, upper + j * STRIDE);
  for (j = 0; j < 2; j++) scores(&rng, SHAPE_NORMAL, 0.3, N, t + j * N);
  for (i = 0; i < 2 * N; i++) v[i] = (hfy_real)hfy_rng_normal(&rng);
  for (i = 0; i < 2 * STRIDE; i++) du[i] = dl[i] = 42;
  sep.lower = lower;
  sep.upper = upper;
  sep.bound_stride = STRIDE;
  grad.lower = dl;
  grad.upper = du;
  CHECK(hfy_sep_apply(&sep, t, 2, N, y, NULL) == HFY_OK);
  CHECK(hfy_sep_vjp(&sep, t, y, v, 2, N, &grad, NULL) == HFY_OK);
  for (j = 0; j < 2; j++) {
    hfy_sep alone = sep;
    alone.lower = lower + j * STRIDE;
    alone.upper = upper + j * STRIDE;
    alone.bound_stride = 0;
    grad.lower = NULL;
    grad.upper = one;
    CHECK(hfy_sep_vjp(&alone, t + j * N, y + j * N, v + j * N, 1, N, &grad, NULL) == HFY_OK);
    for (i = 0; i < N; i++) CHECK_EQ(one[i], du[j * STRIDE + i]);
    for (i = N; i < STRIDE; i++)
      CHECK(du[j * STRIDE + i] > 41 && dl[j * STRIDE + i] > 41); /* the gap is left alone */
  }
  sep.lower = NULL; /* one row of bounds: summed over the rows */
  sep.bound_stride = 0;
  grad.upper = su;
  CHECK(hfy_sep_apply(&sep, t, 2, N, y, NULL) == HFY_OK);
  CHECK(hfy_sep_vjp(&sep, t, y, v, 2, N, &grad, NULL) == HFY_OK);
  for (i = 0; i < N; i++) dl[i] = 0;
  for (j = 0; j < 2; j++) {
    grad.upper = one;
    CHECK(hfy_sep_vjp(&sep, t + j * N, y + j * N, v + j * N, 1, N, &grad, NULL) == HFY_OK);
    for (i = 0; i < N; i++) dl[i] += one[i];
  }
  for (i = 0; i < N; i++) CHECK_NEAR(su[i], dl[i], 1e-14);
}

/* --- bounds --- */

/* the projection by trying every way of putting each coordinate at lower, free or at upper */
static void brute_force(const wide *theta, size_t n, wide total, const double *lower, const double *upper, wide *best) {
  wide least = HUGE_VALL;
  size_t code, codes = 1, i;
  for (i = 0; i < n; i++) codes *= 3;
  for (code = 0; code < codes; code++) {
    wide y[8], sum = 0, tau = 0, loose = 0, cost = 0;
    size_t rest = code;
    int ok = 1;
    for (i = 0; i < n; i++, rest /= 3)
      if (rest % 3 == 2)
        sum += theta[i], loose += 1;
      else
        sum += rest % 3 ? upper[i] : lower[i];
    if (loose > 0)
      tau = (sum - total) / loose;
    else if (fabsl(sum - total) > 1e-12L)
      continue;
    for (rest = code, i = 0; i < n; i++, rest /= 3) {
      y[i] = rest % 3 == 2 ? theta[i] - tau : rest % 3 ? upper[i] : lower[i];
      ok &= y[i] >= lower[i] - 1e-15L && y[i] <= upper[i] + 1e-15L;
      cost += (y[i] - theta[i]) * (y[i] - theta[i]);
    }
    if (ok && cost < least) {
      least = cost;
      memcpy(best, y, n * sizeof *y);
    }
  }
}

TEST(bounds_against_brute_force) {
  hfy_rng rng = hfy_rng_seed(100);
  int trial;
  for (trial = 0; trial < 300; trial++) {
    double lower[6], upper[6], total = trial % 2 ? 0.3 + 2 * hfy_rng_uniform(&rng) : 1;
    hfy_sep sep = trial % 2 ? ksubsets(total) : sep_of(HFY_SEP_SPARSEMAX);
    size_t n = 3 + (size_t)(trial % 4), i;
    hfy_real t[6], y[6];
    wide w[6], want[6];
    bounds(&rng, n, total, lower, upper);
    sep.lower = lower;
    sep.upper = upper;
    scores(&rng, trial % 3 == 0 ? SHAPE_TIES : SHAPE_NORMAL, trial % 5 ? 0.5 : 3, n, t);
    widen(t, n, w);
    brute_force(w, n, (wide)total, lower, upper, want);
    CHECK(hfy_sep_apply(&sep, t, 1, n, y, NULL) == HFY_OK);
    for (i = 0; i < n; i++) CHECK_NEAR(y[i], (double)want[i], REAL_TOL(1));
    show(&sep, n, total);
  }
}

static int at_a_bound(double y, double bound) {
  return !(y < (double)(hfy_real)bound) && !(y > (double)(hfy_real)bound);
}

TEST(bounds_against_bisection) {
  static double lower[200], upper[200];
  static hfy_real t[200], y[200];
  static wide w[200], want[200];
  hfy_rng rng = hfy_rng_seed(101);
  int trial;
  for (trial = 0; trial < 300; trial++) {
    double total = trial % 2 ? 0.2 + 7.8 * hfy_rng_uniform(&rng) : 1;
    hfy_sep sep = trial % 2 ? ksubsets(total) : sep_of(HFY_SEP_SPARSEMAX);
    size_t n = trial % 3 == 0 ? 200 : 20, i;
    if (trial % 4 == 3) sep.rho = 0.5;
    bounds(&rng, n, total, lower, upper);
    if (trial % 5 != 0) sep.upper = upper;
    if (trial % 5 == 1 && !(trial % 2)) upper[3] = HUGE_VAL;
    if (trial % 7 != 0) sep.lower = lower;
    if (!sep.upper && trial % 2)
      for (i = 0; i < n; i++) lower[i] = lower[i] > 1 ? 1 : lower[i];
    scores(&rng, trial % 2 ? SHAPE_NORMAL : SHAPE_TIES, trial % 6 == 0 ? 20 : 0.2, n, t);
    widen(t, n, w);
    oracle_sep(&sep, w, n, 0, want);
    CHECK(hfy_sep_apply(&sep, t, 1, n, y, NULL) == HFY_OK);
    for (i = 0; i < n; i++) {
      double high = sep.upper                      ? upper[i]
                    : sep.kind == HFY_SEP_KSUBSETS ? 1
                                                   : HUGE_VAL,
             low = sep.lower ? lower[i] : 0;
      CHECK_NEAR(y[i], (double)want[i], REAL_TOL(1));
      CHECK((double)y[i] >= (double)(hfy_real)low && (double)y[i] <= (double)(hfy_real)high);
      if (oracle_edge > 1e-12L && want[i] >= high) CHECK(at_a_bound((double)y[i], high)); /* to the bit */
      if (oracle_edge > 1e-12L && want[i] <= low) CHECK(at_a_bound((double)y[i], low));
    }
    show(&sep, n, total);
  }
}

TEST(bounds_a_row_each) {
  enum { N = 7, STRIDE = 9, ROWS = 4 };
  double lower[ROWS * STRIDE], upper[ROWS * STRIDE];
  hfy_real t[ROWS * N], y[ROWS * N], one[N];
  hfy_rng rng = hfy_rng_seed(102);
  hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX), alone;
  size_t j;
  for (j = 0; j < ROWS; j++) {
    bounds(&rng, N, 1, lower + j * STRIDE, upper + j * STRIDE);
    scores(&rng, SHAPE_NORMAL, 0.5, N, t + j * N);
  }
  sep.lower = lower;
  sep.upper = upper;
  sep.bound_stride = STRIDE;
  CHECK(hfy_sep_apply(&sep, t, ROWS, N, y, NULL) == HFY_OK);
  for (j = 0; j < ROWS; j++) {
    alone = sep;
    alone.lower = lower + j * STRIDE;
    alone.upper = upper + j * STRIDE;
    alone.bound_stride = 0;
    CHECK(hfy_sep_apply(&alone, t + j * N, 1, N, one, NULL) == HFY_OK);
    CHECK(same_bits(one, y + j * N, sizeof one));
  }
}

TEST(bounds_that_cannot_be_met) {
  double upper[] = {0.25, 0.25, 0.25, 0.25}, lower[] = {0.25, 0.25, 0.25, 0.25};
  static const hfy_real t[] = {1, 0, 2, -1};
  hfy_real y[4];
  hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
  hfy_work work;
  memset(&work, 0, sizeof work);
  sep.upper = upper;
  fill(y, 4, 7);
  CHECK(hfy_sep_apply(&sep, t, 1, 4, y, &work) == HFY_OK); /* sum exactly 1 */
  CHECK(all_are(y, 4, 0.25));
  upper[2] = 0.25 - 5e-10; /* forgiven: the rounding of many subtractions */
  CHECK(hfy_sep_apply(&sep, t, 1, 4, y, &work) == HFY_OK);
  CHECK_EQ(y[2], (double)(hfy_real)upper[2]);
  CHECK_EQ(y[0], 0.25);
  upper[2] = 0.25 - 1e-8;
  fill(y, 4, 7);
  CHECK_FAILS(hfy_sep_apply(&sep, t, 1, 4, y, &work), HFY_ERR_INFEASIBLE, &work, "bounds");
  CHECK(all_are(y, 4, 7));
  sep.upper = NULL;
  sep.lower = lower;
  CHECK(hfy_sep_apply(&sep, t, 1, 4, y, &work) == HFY_OK);
  CHECK(all_are(y, 4, 0.25));
  lower[1] = 0.26;
  fill(y, 4, 7);
  CHECK_FAILS(hfy_sep_apply(&sep, t, 1, 4, y, &work), HFY_ERR_INFEASIBLE, &work, "bounds");
  CHECK(all_are(y, 4, 7));
  hfy_work_free(&work);
}

TEST(bounds_and_masks) {
  static const double upper[] = {0.5, 0.3, 1, 0.4}, tight[] = {0.5, 0.3, 1, 0.1};
  hfy_real t[] = {1, 0, (hfy_real)-HUGE_VAL, (hfy_real)0.5}, y[4];
  hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
  sep.upper = upper;
  CHECK(hfy_sep_apply(&sep, t, 1, 4, y, NULL) == HFY_OK);
  CHECK_EQ(y[2], 0);
  CHECK_EQ(y[0], 0.5);
  CHECK_NEAR((double)y[0] + (double)y[1] + (double)y[3], 1, REAL_TOL(1));
  sep.upper = tight; /* enough in all, not without the masked one */
  fill(y, 4, 7);
  CHECK(hfy_sep_apply(&sep, t, 1, 4, y, NULL) == HFY_ERR_INFEASIBLE);
  CHECK(all_are(y, 4, 7));
}

TEST(ksubsets_1_is_sparsemax) {
  hfy_sep one = ksubsets(1), sparse = sep_of(HFY_SEP_SPARSEMAX);
  hfy_real t[60], y[60], z[60];
  hfy_rng rng = hfy_rng_seed(103);
  size_t i;
  int trial;
  for (trial = 0; trial < 60; trial++) {
    scores(&rng, trial % 4, trial % 2 ? 1 : 0.1, 60, t);
    CHECK(hfy_sep_apply(&one, t, 1, 60, y, NULL) == HFY_OK);
    CHECK(hfy_sep_apply(&sparse, t, 1, 60, z, NULL) == HFY_OK);
    for (i = 0; i < 60; i++) {
      CHECK_NEAR(y[i], z[i], REAL_TOL(1));
      CHECK((y[i] > 0) == (z[i] > 0));
    }
  }
}

TEST(ksubsets_of_all_is_ones) {
  hfy_real t[9], y[9];
  hfy_rng rng = hfy_rng_seed(104);
  hfy_sep sep = ksubsets(9);
  scores(&rng, SHAPE_NORMAL, 5, 9, t);
  CHECK(hfy_sep_apply(&sep, t, 1, 9, y, NULL) == HFY_OK);
  CHECK(all_are(y, 9, 1));
  sep.k = 6; /* 6 of 9 are left when every third is masked */
  scores(&rng, SHAPE_MASKED, 5, 9, t);
  CHECK(hfy_sep_apply(&sep, t, 1, 9, y, NULL) == HFY_OK);
  CHECK_EQ(y[0], 0);
  CHECK_EQ(y[1], 1);
  CHECK_EQ(y[8], 1);
}

/* --- bounds and k over the whole range of scores, rho and k --- */

/* The row is a projection if it is inside and no two entries would rather trade: entry i gives only if it can. */
static int is_projection(const hfy_sep *sep, const hfy_real *t, size_t n, const hfy_real *y) {
  double total = sep->kind == HFY_SEP_SPARSEMAX ? 1 : sep->k, rho = sep->kind == HFY_SEP_SPARSEMAX ? 1 : sep->rho;
  double largest = total < 1 ? total : 1, tol;
  wide sum = 0;
  size_t i, j;
  int ok = 1;
  for (i = 0; i < n; i++) largest = (double)y[i] > largest ? (double)y[i] : largest;
  tol = (sizeof(hfy_real) == 8 ? 1e-13 : 4 * REAL_EPS) * largest;
  for (i = 0; i < n; i++) {
    double low = sep->lower ? sep->lower[i] : 0,
           high = sep->upper ? sep->upper[i] : sep->kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VAL;
    ok &= y[i] >= (hfy_real)low && y[i] <= (hfy_real)high;
    if ((double)t[i] < -REAL_MAX) ok &= !(y[i] > (hfy_real)low);
    sum += (wide)y[i];
    for (j = 0; j < n; j++) {
      double up = sep->upper ? sep->upper[j] : sep->kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VAL;
      if ((double)t[i] < -REAL_MAX || (double)t[j] < -REAL_MAX) continue;
      if ((double)y[i] <= low + tol || (double)y[j] >= up - tol) continue;
      ok &= (double)(((wide)t[j] - (wide)t[i]) / (wide)rho) <= (double)y[j] - (double)y[i] + 4 * tol;
    }
  }
  return ok && fabsl(sum - (wide)total) <= (wide)(4 * REAL_EPS * largest * (double)n);
}

TEST(bounds_of_any_size) {
  static const double upper[4] = {0.6, 0.7, 1, HUGE_VAL};
  const double range = REAL_MAX > 1e300 ? 300 : 37;
  hfy_rng rng = hfy_rng_seed(7001);
  int trial, solved = 0, refused = 0;
  for (trial = 0; trial < 6000; trial++) {
    double low[8], high[8], scale = pow(10, (2 * hfy_rng_uniform(&rng) - 1) * range), floor_sum = 0, cap_sum = 0;
    double rho = trial % 3 ? pow(10, 24 * hfy_rng_uniform(&rng) - 12) : 1, budget, total;
    hfy_sep sep = trial % 4 ? ksubsets(1) : sep_of(HFY_SEP_SPARSEMAX);
    size_t n = 1 + (size_t)(hfy_rng_u64(&rng) % 8), i, live = 0;
    hfy_real t[8], y[8];
    hfy_status status;
    if (trial % 4) {
      sep.rho = rho;
      sep.k = (double)n * hfy_rng_uniform(&rng) + 1e-9;
    }
    if (trial % 16 == 2) sep.k = pow(10, -hfy_rng_uniform(&rng) * range * 0.9);
    if (trial % 16 == 3) sep.k = (double)(1 + hfy_rng_u64(&rng) % n);
    budget = total = trial % 4 ? sep.k : 1;
    for (i = 0; i < n; i++) {
      double u = hfy_rng_uniform(&rng), v = hfy_rng_normal(&rng);
      if (trial % 5 == 0) v = (double)(hfy_rng_u64(&rng) % 2);
      v *= trial % 7 < 3 ? scale : trial % 7 == 3 ? sep.rho > 0 ? sep.rho : 1 : hfy_rng_sign(&rng) * pow(scale, u);
      t[i] = (hfy_real)(v > REAL_MAX / 2 ? REAL_MAX / 2 : v < -REAL_MAX / 2 ? -REAL_MAX / 2 : v);
      if (trial % 6 == 1 && hfy_rng_uniform(&rng) < 0.2) t[i] = (hfy_real)-HUGE_VAL;
      low[i] = u < 0.5 ? 0 : hfy_rng_uniform(&rng) * total / (double)n;
      high[i] = low[i] + (u > 0.9 ? HUGE_VAL : u > 0.8 ? 0 : 4 * hfy_rng_uniform(&rng) * total / (double)n);
    }
    if (trial % 9 > 1) sep.upper = high;
    if (trial % 9 < 6) sep.lower = low;
    for (i = 0; i < n; i++) {
      if (!sep.upper && sep.kind == HFY_SEP_KSUBSETS) high[i] = 1;
      if (!sep.upper && low[i] > 1) low[i] = 1;
      if ((double)t[i] < -REAL_MAX) {
        budget -= sep.lower ? low[i] : 0;
        continue;
      }
      live++;
      floor_sum += sep.lower ? low[i] : 0;
      cap_sum += sep.upper || sep.kind == HFY_SEP_KSUBSETS ? high[i] : HUGE_VAL;
    }
    if (fabs(floor_sum - budget) < 1e-8 * total || fabs(cap_sum - budget) < 1e-8 * total) continue; /* forgiven */
    fill(y, n, 7);
    status = hfy_sep_apply(&sep, t, 1, n, y, NULL);
    if (live && (sep.upper || sep.lower || sep.kind == HFY_SEP_KSUBSETS) && (floor_sum > budget || cap_sum < budget)) {
      refused++;
      CHECK(status == (sep.upper || sep.lower ? HFY_ERR_INFEASIBLE : HFY_ERR_ARG));
      CHECK(all_are(y, n, 7));
    } else if (live) {
      solved++;
      CHECK(!status);
      if (!CHECK(is_projection(&sep, t, n, y)))
        printf("    trial %d, n %d, k %g, rho %g, scale %g\n", trial, (int)n, total, sep.rho, scale);
    }
  }
  CHECK(solved > 3000 && refused > 300);
  { /* 0.6 + 0.4, three steps from the top, each far beyond what the sum can tell */
    hfy_real t[4] = {(hfy_real)3e18, (hfy_real)2e18, (hfy_real)1e18, (hfy_real)-1e18}, y[4];
    hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
    sep.upper = upper;
    CHECK(!hfy_sep_apply(&sep, t, 1, 4, y, NULL));
    CHECK_EQ(y[0], (double)(hfy_real)0.6);
    CHECK_NEAR(y[1], 0.4, REAL_EPS);
    CHECK(!(y[2] > 0) && !(y[3] > 0));
  }
}

/* Scores, rho and their differences by a power of two: the same weights to the bit, gradients by its inverse. */
TEST(gradients_of_bounds_of_any_size) {
  enum { N = 7 };
  hfy_rng rng = hfy_rng_seed(7002);
  int trial, moves = 0;
  for (trial = 0; trial < 200; trial++) {
    double low[N], high[N], dl[2][N], du[2][N], scale = ldexp(1, trial % 9 * 25 - 100);
    hfy_sep sep = ksubsets(2.5);
    hfy_sep_grad grad;
    hfy_real t[N], far[N], y[2][N], v[N], g[2][N];
    size_t i;
    int side;
    memset(&grad, 0, sizeof grad);
    bounds(&rng, N, 2.5, low, high);
    sep.lower = low;
    sep.upper = high;
    for (i = 0; i < N; i++) {
      double s = (double)(hfy_rng_u64(&rng) % 129) / 64;
      t[i] = (hfy_real)s;
      far[i] = (hfy_real)((s + (sizeof(hfy_real) == 8 ? 1099511627776.0 : 4096)) * scale);
      v[i] = (hfy_real)hfy_rng_normal(&rng);
    }
    if (trial % 5 == 0) t[3] = far[3] = (hfy_real)-HUGE_VAL;
    for (side = 0; side < 2; side++) {
      sep.rho = side ? scale : 1;
      grad.theta = g[side];
      grad.lower = dl[side];
      grad.upper = du[side];
      if (trial % 5 == 0) { /* the masked one's bounds may leave too little */
        if (hfy_sep_apply(&sep, side ? far : t, 1, N, y[side], NULL)) break;
      } else {
        CHECK(!hfy_sep_apply(&sep, side ? far : t, 1, N, y[side], NULL));
      }
      CHECK(!hfy_sep_vjp(&sep, NULL, y[side], v, 1, N, &grad, NULL));
    }
    if (side < 2) continue;
    CHECK(same_bits(y[0], y[1], sizeof y[0]));
    for (i = 0; i < N; i++) {
      CHECK_NEAR((double)g[1][i] * scale, g[0][i], 2 * REAL_EPS);
      CHECK_EQ(dl[1][i], dl[0][i]);
      CHECK_EQ(du[1][i], du[0][i]);
      moves += fabs((double)g[0][i]) > 0.01;
    }
  }
  CHECK(moves > 300);
  { /* only the second entry is free: nothing moves with the scores, all with the first bound */
    static const double high[4] = {0.6, 0.7, 1, HUGE_VAL};
    hfy_real t[4] = {(hfy_real)3e18, (hfy_real)2e18, (hfy_real)1e18, (hfy_real)-1e18}, y[4], g[4];
    static const hfy_real v[4] = {1, 3, 7, 9};
    double du[4];
    hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
    hfy_sep_grad grad;
    size_t i;
    memset(&grad, 0, sizeof grad);
    sep.upper = high;
    grad.theta = g;
    grad.upper = du;
    CHECK(!hfy_sep_apply(&sep, t, 1, 4, y, NULL) && !hfy_sep_vjp(&sep, NULL, y, v, 1, 4, &grad, NULL));
    for (i = 0; i < 4; i++) {
      CHECK_EQ(g[i], 0);
      CHECK_EQ(du[i], i ? 0 : -2); /* v of the first less v of the free one */
    }
  }
}

/* Every k from the least that a number can hold: the weights sum to it, equal scores share it. */
TEST(ksubsets_of_any_k) {
  const double least = REAL_MAX > 1e300 ? 1e-300 : 1e-37;
  hfy_rng rng = hfy_rng_seed(7003);
  hfy_real t[20], y[20];
  double k, omega;
  size_t i, trial;
  for (trial = 0; trial < 400; trial++) {
    hfy_sep sep = ksubsets(0);
    k = trial < 20 ? (double)(trial + 1) : pow(10, log10(least) * hfy_rng_uniform(&rng)) * (trial % 2 ? 1 : 20);
    if (trial == 20) k = least;
    sep.k = k;
    sep.rho = trial % 3 ? 1 : 0.01;
    for (i = 0; i < 20; i++) t[i] = (hfy_real)(trial % 5 ? hfy_rng_normal(&rng) : (double)(i % 4 == 0));
    if (trial % 7 == 3) /* as close as the weights */
      for (i = 0; i < 20; i++) t[i] = (hfy_real)((double)t[i] * sep.rho * (k < 1 ? k : 1));
    CHECK(!hfy_sep_apply(&sep, t, 1, 20, y, NULL));
    if (!CHECK(is_projection(&sep, t, 20, y))) printf("    k = %g\n", k);
    if (trial % 5 == 0 && trial % 7 != 3 && k < 5 * sep.rho)
      for (i = 0; i < 20; i++) CHECK(fabs((double)y[i] - (i % 4 ? 0 : k / 5)) <= 4 * REAL_EPS * k);
    CHECK(!hfy_sep_value(&sep, y, 1, 20, &omega, NULL) && omega < DBL_MAX);
    fill(y, 20, 0);
    CHECK(!hfy_sep_value(&sep, y, 1, 20, &omega, NULL) && omega > DBL_MAX); /* 0 does not sum to k */
  }
}

/* A k that a kind does not use is ignored, whatever stands there. */
TEST(k_of_others_is_ignored) {
  static const hfy_sep_kind kinds[] = {HFY_SEP_SOFTMAX, HFY_SEP_SPARSEMAX, HFY_SEP_ENTMAX, HFY_SEP_NORMMAX,
                                       HFY_SEP_IDENTITY, HFY_SEP_POWER, HFY_SEP_EXP, HFY_SEP_UNIFORM};
  const double ks[] = {(double)NAN, 1e300, -5, HUGE_VAL, -HUGE_VAL, 0.3};
  static const double half[4] = {0.5, 0.5, 0.5, 0.5};
  hfy_real t[4] = {1, (hfy_real)0.75, (hfy_real)0.5, -1}, y[4], z[4];
  double a, b;
  size_t i, j;
  for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
    for (j = 0; j < 2 * (sizeof ks / sizeof *ks); j++) {
      hfy_sep sep = sep_of(kinds[i]), other = sep;
      hfy_net net, full;
      if (j % 2) sep.upper = other.upper = half; /* only sparsemax looks at it */
      other.k = ks[j / 2];
      CHECK(!hfy_sep_apply(&sep, t, 1, 4, y, NULL) && !hfy_sep_apply(&other, t, 1, 4, z, NULL));
      CHECK(same_bits(y, z, sizeof y));
      CHECK(!hfy_sep_value(&sep, y, 1, 4, &a, NULL) && !hfy_sep_value(&other, y, 1, 4, &b, NULL));
      CHECK_EQ(a, b);
      CHECK(!hfy_sep_loss(&other, t, y, 1, 4, &a, NULL));
      CHECK_EQ(a, 0);
      CHECK_EQ(hfy_sep_margin(&sep), hfy_sep_margin(&other));
      memset(&net, 0, sizeof net);
      net.keys = t;
      net.count = 4;
      net.dim = 1;
      net.sep = other;
      CHECK(!hfy_net_check(&net, &full, NULL));
      CHECK_EQ(full.sep.k, 1);
      CHECK(!hfy_retrieve(&net, t, 1, z, NULL, NULL));
    }
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(vjp_softmax);
  RUN(vjp_sparsemax);
  RUN(vjp_entmax);
  RUN(vjp_normmax);
  RUN(vjp_ksubsets);
  RUN(vjp_elementwise);
  RUN(vjp_sum_of_two);
  RUN(vjp_of_jumps_is_0);
  RUN(vjp_is_symmetric_and_kills_constants);
  RUN(vjp_in_place_and_batch);
  RUN(vjp_without_theta_where_it_is_not_read);
  RUN(vjp_alpha);
  RUN(vjp_alpha_at_1);
  RUN(vjp_gamma);
  RUN(vjp_golden_rows);
  RUN(vjp_of_two_scores);
  RUN(vjp_of_equal_scores);
  RUN(vjp_of_weights_that_no_scores_give);
  RUN(vjp_over_the_whole_range);
  RUN(vjp_bounds);
  RUN(vjp_bounds_of_rows);
  RUN(bounds_against_brute_force);
  RUN(bounds_against_bisection);
  RUN(bounds_a_row_each);
  RUN(bounds_that_cannot_be_met);
  RUN(bounds_and_masks);
  RUN(bounds_of_any_size);
  RUN(gradients_of_bounds_of_any_size);
  RUN(ksubsets_of_any_k);
  RUN(k_of_others_is_ignored);
  RUN(ksubsets_1_is_sparsemax);
  RUN(ksubsets_of_all_is_ones);
  return CHECK_END();
}
