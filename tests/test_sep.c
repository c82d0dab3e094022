/* test_sep.c: separations: reference rows, random rows against the long double versions of oracle.h, the identities of
   Fenchel-Young losses, margins, derivatives, bounds, every status. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "targets.h"

#define ROW 1024

static hfy_sep sep_of(hfy_sep_kind kind)
{
    hfy_sep sep;
    memset(&sep, 0, sizeof sep);
    sep.kind = kind;
    return sep;
}

static hfy_sep entmax(double alpha)
{
    hfy_sep sep = sep_of(HFY_SEP_ENTMAX);
    sep.alpha = alpha;
    return sep;
}

static hfy_sep normmax(double gamma)
{
    hfy_sep sep = sep_of(HFY_SEP_NORMMAX);
    sep.gamma = gamma;
    return sep;
}

static hfy_sep ksubsets(double k)
{
    hfy_sep sep = sep_of(HFY_SEP_KSUBSETS);
    sep.k = k;
    return sep;
}

static hfy_sep power(double degree)
{
    hfy_sep sep = sep_of(HFY_SEP_POWER);
    sep.degree = degree;
    return sep;
}

static hfy_sep argmax(double k)
{
    hfy_sep sep = sep_of(HFY_SEP_ARGMAX);
    sep.k = k;
    return sep;
}

static const double alphas[] = {0.05, 0.3, 0.5, 0.9, 0.999999999, 1, 1.000000001, 1.05, 1.3, 1.5, 1.7, 2, 2.5, 3, 4,
                                5, 8, 10, 20, 50, 200, 1e4, 1e9, HUGE_VAL};
static const double gammas[] = {1, 1.000000001, 1.05, 1.2, 1.5, 2, 3, 5, 10, 100, 1e4, 1e8, 1e30, HUGE_VAL};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Every kind with a range of parameters: for what must hold of all. */
static size_t all_seps(hfy_sep *list)
{
    size_t n = 0, i;
    list[n++] = sep_of(HFY_SEP_SOFTMAX);
    list[n++] = sep_of(HFY_SEP_SPARSEMAX);
    for (i = 0; i < COUNT(alphas); i++) list[n++] = entmax(alphas[i]);
    for (i = 0; i < COUNT(gammas); i++) list[n++] = normmax(gammas[i]);
    list[n++] = ksubsets(1);
    list[n++] = ksubsets(0.5);
    list[n++] = ksubsets(2);
    list[n++] = ksubsets(2.5);
    list[n++] = ksubsets(3);
    list[n - 1].rho = 0.4;
    list[n++] = sep_of(HFY_SEP_IDENTITY);
    list[n++] = power(1.5);
    list[n++] = power(3);
    list[n++] = power(6);
    list[n++] = sep_of(HFY_SEP_EXP);
    list[n++] = argmax(1);
    list[n++] = argmax(3);
    list[n++] = sep_of(HFY_SEP_UNIFORM);
    return n;
}

static int is_simplex(const hfy_sep *sep)
{
    return sep->kind == HFY_SEP_SOFTMAX || sep->kind == HFY_SEP_SPARSEMAX || sep->kind == HFY_SEP_ENTMAX ||
           sep->kind == HFY_SEP_NORMMAX || sep->kind == HFY_SEP_UNIFORM;
}

static double total_of(const hfy_sep *sep) { return is_simplex(sep) ? 1 : oracle_or(sep->k, 1); }

static int is_polytope(const hfy_sep *sep)
{
    return is_simplex(sep) || sep->kind == HFY_SEP_KSUBSETS || sep->kind == HFY_SEP_ARGMAX;
}

/* Says which separation a failure belongs to. */
static void show(const hfy_sep *sep, size_t n, double scale)
{
    static int seen;
    if (check_errors < seen) seen = 0;
    if (check_errors > seen && seen < 5)
        printf("      (kind %d alpha %.17g gamma %.17g k %g rho %g degree %g; n %lu, scale %g)\n", (int)sep->kind,
               sep->alpha, sep->gamma, sep->k, sep->rho, sep->degree, (unsigned long)n, scale);
    seen = check_errors;
}

/* Scores of several shapes: plain normals, ties, a masked third, one far above, all equal. */
enum { SHAPE_NORMAL, SHAPE_TIES, SHAPE_MASKED, SHAPE_PEAK, SHAPE_EQUAL, SHAPES };
static void scores(hfy_rng *rng, int shape, double scale, size_t n, hfy_real *theta)
{
    size_t i;
    double level = hfy_rng_normal(rng);
    for (i = 0; i < n; i++) {
        double v = hfy_rng_normal(rng);
        if (shape == SHAPE_TIES) v = floor(v * 2) / 2;
        if (shape == SHAPE_PEAK && i == n / 2) v += 3;
        if (shape == SHAPE_EQUAL) v = level;
        theta[i] = (hfy_real)(scale * v);
        if (shape == SHAPE_MASKED && i % 3 == 0 && n > 4) theta[i] = (hfy_real)-HUGE_VAL;
    }
}

static void widen(const hfy_real *x, size_t n, wide *out)
{
    size_t i;
    for (i = 0; i < n; i++) out[i] = x[i];
}

static int same_bits(const void *a, const void *b, size_t bytes) { return memcmp(a, b, bytes) == 0; }

static void fill(hfy_real *x, size_t n, double value)
{
    size_t i;
    for (i = 0; i < n; i++) x[i] = (hfy_real)value;
}

static int all_are(const hfy_real *x, size_t n, double value)
{
    size_t i;
    for (i = 0; i < n; i++)
        if ((double)x[i] < value || (double)x[i] > value) return 0;
    return 1;
}

/* --- reference rows --- */

static void take(const double *from, double scale, size_t n, hfy_real *to)
{
    size_t i;
    for (i = 0; i < n; i++) to[i] = (hfy_real)(scale * from[i]);
}

static void near_row(const hfy_real *got, const double *want, size_t n, double tol)
{
    size_t i;
    for (i = 0; i < n; i++) {
        if (want[i] < 0 || want[i] > 0)
            CHECK_NEAR(got[i], want[i], tol);
        else
            CHECK_EQ(got[i], 0);
    }
}

static void golden_y(hfy_sep sep, const double *theta, double scale, const double *want, size_t n)
{
    hfy_real t[16], y[16];
    take(theta, scale, n, t);
    CHECK(hfy_sep_apply(&sep, t, 1, n, y, NULL) == HFY_OK);
    near_row(y, want, n, REAL_TOL(4));
}

static void golden(hfy_sep sep, double scale, const double *target, const double *y, const double *omega,
                   const double *conjugate, const double *loss, const double *vjp)
{
    hfy_real t[5], p[5], v[5], g[5], target_real[5];
    hfy_sep_grad grad;
    double got;
    memset(&grad, 0, sizeof grad);
    grad.theta = g;
    take(F2, scale, 5, t);
    take(V5, 1, 5, v);
    take(target, 1, 5, target_real);
    CHECK(hfy_sep_apply(&sep, t, 1, 5, p, NULL) == HFY_OK);
    near_row(p, y, 5, REAL_TOL(4));
    CHECK(hfy_sep_value(&sep, p, 1, 5, &got, NULL) == HFY_OK);
    CHECK_NEAR(got, *omega, REAL_TOL(8));
    CHECK(hfy_sep_conjugate(&sep, t, 1, 5, &got, NULL) == HFY_OK);
    CHECK_NEAR(got, *conjugate, REAL_TOL(4));
    CHECK(hfy_sep_loss(&sep, t, target_real, 1, 5, &got, NULL) == HFY_OK);
    CHECK_NEAR(got, *loss, REAL_TOL(8));
    CHECK(hfy_sep_vjp(&sep, t, p, v, 1, 5, &grad, NULL) == HFY_OK);
    near_row(g, vjp, 5, REAL_TOL(16));
}

#define GOLDEN(row, sep, scale) \
    golden(sep, scale, Y5, row##_y, row##_omega_y, row##_conj, row##_loss, row##_vjp)
TEST(row_softmax) { GOLDEN(t004, sep_of(HFY_SEP_SOFTMAX), 1); }
TEST(row_softmax_is_entmax_1) { GOLDEN(t004, entmax(1), 1); }
TEST(row_entmax_1_3) { GOLDEN(t005, entmax(1.3), 1); }
TEST(row_entmax_1_5) { GOLDEN(t006, entmax(0), 1); }
TEST(row_sparsemax) { GOLDEN(t007, sep_of(HFY_SEP_SPARSEMAX), 1); }
TEST(row_sparsemax_is_entmax_2) { GOLDEN(t007, entmax(2), 1); }
TEST(row_entmax_2_5) { GOLDEN(t008, entmax(2.5), 0.5); }
TEST(row_entmax_4) { GOLDEN(t009, entmax(4), 0.25); }
TEST(row_entmax_0_5) { GOLDEN(t010, entmax(0.5), 1); }
TEST(row_normmax_1_5) { GOLDEN(t013, normmax(1.5), 1); }
TEST(row_normmax_1_5_wide) { GOLDEN(t014, normmax(1.5), 0.4); }
TEST(row_normmax_2) { GOLDEN(t015, normmax(0), 1); }
TEST(row_normmax_2_wide) { GOLDEN(t016, normmax(2), 0.4); }
TEST(row_normmax_5) { GOLDEN(t017, normmax(5), 1); }
TEST(row_normmax_5_wide) { GOLDEN(t018, normmax(5), 0.4); }

TEST(row_entmax_limits)
{
    static const double ties[] = {1, 1, 0.5};
    golden_y(entmax(1 + 1e-9), F2, 1, t011_near1, 5);
    golden_y(entmax(HUGE_VAL), ties, 1, t011_inf, 3);
}

TEST(row_normmax_limits)
{
    golden_y(normmax(HUGE_VAL), F2, 1, t019_inf, 5);
    golden_y(normmax(100), F2, 1, t019_g100, 5);
    golden_y(normmax(1), F2, 1, t019_g1, 5);
    golden_y(normmax(HUGE_VAL), F2, 3, t019_inf_big, 5);
    golden_y(normmax(HUGE_VAL), F2, 0.2, t019_inf_small, 5);
}

/* d y / d parameter, one coordinate at a time through unit cotangents */
static void golden_parameter(hfy_sep sep, double scale, const double *want)
{
    hfy_real t[5], y[5], unit[5];
    hfy_sep_grad grad;
    size_t i, j;
    double got;
    memset(&grad, 0, sizeof grad);
    if (sep.kind == HFY_SEP_ENTMAX)
        grad.alpha = &got;
    else
        grad.gamma = &got;
    take(F2, scale, 5, t);
    CHECK(hfy_sep_apply(&sep, t, 1, 5, y, NULL) == HFY_OK);
    for (i = 0; i < 5; i++) {
        for (j = 0; j < 5; j++) unit[j] = (hfy_real)(i == j);
        got = 7;
        CHECK(hfy_sep_vjp(&sep, t, y, unit, 1, 5, &grad, NULL) == HFY_OK);
        CHECK_NEAR(got, want[i], sizeof(hfy_real) == 4 ? 32 * REAL_EPS : 1e-10);
    }
}

TEST(row_entmax_d_alpha)
{
    golden_parameter(entmax(1), 1, t012_a1_0);
    golden_parameter(entmax(1.3), 1, t012_a1_3);
    golden_parameter(entmax(1.5), 1, t012_a1_5);
    golden_parameter(entmax(2), 1, t012_a2_0);
    golden_parameter(entmax(0.5), 1, t012_a0_5);
    golden_parameter(entmax(1.000001), 1, t012_a1_000001);
}

TEST(row_normmax_d_gamma)
{
    golden_parameter(normmax(2), 0.4, t020_g2);
    golden_parameter(normmax(5), 0.4, t020_g5);
}

TEST(row_ksubsets_2)
{
    static const double target[] = {1, 0, 0, 1, 0};
    golden(ksubsets(2), 0.7, target, t021_y, t021_omega_y, t021_conj, t021_loss, t021_vjp);
}

TEST(row_ksubsets_budgets)
{
    golden_y(ksubsets(0), F2, 1, t022_k1, 5);
    golden_y(ksubsets(3), F2, 1, t022_k3, 5);
    golden_y(ksubsets(4), F2, 1, t022_k4, 5);
    golden_y(ksubsets(5), F2, 1, t022_k5, 5);
    golden_y(ksubsets(2.5), F2, 1, t022_k2_5, 5);
}

TEST(row_constrained_sparsemax)
{
    static const double upper[] = {0.3, 0.3, 0.6, 0.25, 0.6}, fifth[] = {0.2, 0.2, 0.2, 0.2, 0.2};
    hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
    hfy_sep_grad grad;
    hfy_real t[5], y[5], v[5], g[5];
    double loss, du[5];
    size_t i;
    memset(&grad, 0, sizeof grad);
    sep.upper = upper;
    grad.theta = g;
    grad.upper = du;
    golden_y(sep, F2, 0.5, t023_y, 5);
    take(F2, 0.5, 5, t);
    take(V5, 1, 5, v);
    take(fifth, 1, 5, y);
    CHECK(hfy_sep_loss(&sep, t, y, 1, 5, &loss, NULL) == HFY_OK);
    CHECK_NEAR(loss, t023_loss[0], REAL_TOL(8));
    CHECK(hfy_sep_apply(&sep, t, 1, 5, y, NULL) == HFY_OK);
    CHECK(hfy_sep_vjp(&sep, t, y, v, 1, 5, &grad, NULL) == HFY_OK);
    near_row(g, t023_vjp_theta, 5, REAL_TOL(8));
    for (i = 0; i < 5; i++) CHECK_NEAR(du[i], t023_vjp_u[i], REAL_TOL(8));
}

TEST(row_constrained_sparsemax_edges)
{
    static const double fifth[] = {0.2, 0.2, 0.2, 0.2, 0.2}, zeros[] = {0, 1, 1, 0.3, 1};
    hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
    sep.upper = fifth;
    golden_y(sep, F2, 1, t024_tight, 5);
    sep.upper = zeros;
    golden_y(sep, F2, 1, t024_zeros, 5);
}

TEST(row_two_bounds)
{
    static const double lower[] = {0.1, 0, 0.05, 0, 0}, upper[] = {0.5, 1, 1, 0.3, 0.7};
    hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
    sep.lower = lower;
    sep.upper = upper;
    golden_y(sep, F2, 1, t025_y, 5);
}

TEST(row_argmax)
{
    static const double ties[] = {1, 2, 2, 0};
    golden_y(argmax(0), ties, 1, t026_argmax, 4);
    golden_y(argmax(2), F2, 1, t026_top2, 5);
}

TEST(row_identity) { golden(sep_of(HFY_SEP_IDENTITY), 1, Y5, t027_y, t027_omega_y, t027_conj, t028_loss, t027_vjp); }
TEST(row_power) { golden(power(3), 1, Y5, t029_y, t029_omega_y, t029_conj, t030_loss, t029_vjp); }
TEST(row_exp) { golden(sep_of(HFY_SEP_EXP), 1, Y5, t031_y, t031_omega_y, t031_conj, t032_loss, t031_vjp); }

TEST(row_masked)
{
    double theta[5];
    memcpy(theta, F2, sizeof theta);
    theta[0] = -HUGE_VAL;
    golden_y(sep_of(HFY_SEP_SOFTMAX), theta, 1, t033_softmax, 5);
    golden_y(sep_of(HFY_SEP_SPARSEMAX), theta, 1, t033_sparsemax, 5);
    golden_y(entmax(1.5), theta, 1, t033_e15, 5);
    golden_y(entmax(1.3), theta, 1, t033_e13, 5);
    golden_y(normmax(5), theta, 1, t033_nm5, 5);
    golden_y(ksubsets(2), theta, 1, t033_k2, 5);
}

TEST(row_huge_and_ties)
{
    static const double ties[] = {3, 3, 1}, near_ties[] = {3, 3, 2.9};
    golden_y(sep_of(HFY_SEP_SPARSEMAX), F2, 1e6, t034_sparsemax, 5);
    golden_y(sep_of(HFY_SEP_SOFTMAX), F2, 1e6, t034_softmax, 5);
    golden_y(sep_of(HFY_SEP_SPARSEMAX), ties, 1, t034_tie_sp, 3);
    golden_y(entmax(1.5), ties, 1, t034_tie_15, 3);
    golden_y(normmax(2), ties, 1, t034_tie_n2, 3);
    if (sizeof(hfy_real) == 8) golden_y(entmax(2.5), near_ties, 1, t034_tie_25, 3);
}

TEST(row_margins)
{
    static const double below[] = {1, 0, 0};
    hfy_real t[3], y[3];
    hfy_sep sep[4];
    const double *want[4];
    double m[4] = {10 / 3.0, 2, 1, 1};
    int i;
    sep[0] = entmax(1.3), want[0] = t035_e1_3;
    sep[1] = entmax(1.5), want[1] = t035_e1_5;
    sep[2] = sep_of(HFY_SEP_SPARSEMAX), want[2] = t035_sp;
    sep[3] = normmax(5), want[3] = t035_n5;
    for (i = 0; i < 4; i++) {
        take(below, m[i] * (1 - 1e-6), 3, t);
        CHECK(hfy_sep_apply(&sep[i], t, 1, 3, y, NULL) == HFY_OK);
        /* the weight is steep here: in float the rounding of the score itself shows */
        CHECK_NEAR(y[0], want[i][0], sizeof(hfy_real) == 8 ? (i == 3 ? 1e-10 : 1e-12) : i == 3 ? 1e-3 : REAL_EPS);
        take(below, m[i] * (1 + 1e-12), 3, t);
        if ((double)t[0] < m[i]) t[0] = (hfy_real)(m[i] * (1 + 1e-6));
        CHECK(hfy_sep_apply(&sep[i], t, 1, 3, y, NULL) == HFY_OK);
        CHECK_EQ(y[0], 1);
        CHECK_EQ(y[1], 0);
    }
}

static void digest(hfy_sep sep, double scale, const double *want)
{
    enum { N = 10000 };
    static hfy_real t[N], y[N];
    double support = 0, top = 0, square = 0, moment = 0, tol = sizeof(hfy_real) == 8 ? 1e-11 : 2e-6;
    hfy_rng rng = hfy_rng_seed(2024);
    size_t i;
    for (i = 0; i < N; i++) t[i] = (hfy_real)(scale * hfy_rng_normal(&rng));
    CHECK(hfy_sep_apply(&sep, t, 1, N, y, NULL) == HFY_OK);
    for (i = 0; i < N; i++) {
        double v = (double)y[i];
        support += v > 0;
        if (v > top) top = v;
        square += v * v;
        moment += (double)(i + 1) * v / N;
    }
    CHECK_NEAR(support, want[0],
               0); /* the same in float: no score of these lies within float rounding of a threshold */
    CHECK_NEAR(top, want[1], tol);
    CHECK_NEAR(square, want[2], tol);
    CHECK_NEAR(moment, want[3], tol);
}

TEST(row_digest_softmax) { digest(sep_of(HFY_SEP_SOFTMAX), 1, t036_softmax); }
TEST(row_digest_entmax)
{
    digest(entmax(1.3), 1, t036_e13);
    digest(entmax(1.5), 1, t036_e15);
    digest(entmax(4), 1, t036_e4);
}
TEST(row_digest_sparsemax) { digest(sep_of(HFY_SEP_SPARSEMAX), 1, t036_sp); }
TEST(row_digest_normmax)
{
    digest(normmax(1.5), 1, t036_nm15);
    digest(normmax(2), 1, t036_nm2);
    digest(normmax(5), 1, t036_nm5);
}
TEST(row_digest_ksubsets) { digest(ksubsets(10), 1, t036_k10); }
TEST(row_digest_wide_entmax)
{
    digest(entmax(1.3), 0.05, t037_e13);
    digest(entmax(1.5), 0.05, t037_e15);
}
TEST(row_digest_wide_sparsemax) { digest(sep_of(HFY_SEP_SPARSEMAX), 0.05, t037_sp); }
TEST(row_digest_wide_normmax) { digest(normmax(5), 0.05, t037_nm5); }
TEST(row_digest_wide_ksubsets) { digest(ksubsets(100), 0.05, t037_k100); }

/* --- random rows against the oracle --- */

/* y is the prediction for theta: values, support, sum, order. */
static void check_row(const hfy_sep *sep, const hfy_real *theta, size_t n, size_t row, const hfy_real *y, double scale)
{
    static wide t[ROW], want[ROW];
    double slack;
    wide edge, sum = 0;
    size_t i;
    int before = check_errors;
    widen(theta, n, t);
    oracle_sep(sep, t, n, row, want);
    edge = oracle_edge;
    /* normmax, large gamma: y = w^(1/(gamma-1)) is steep at w = 0, and w carries the rounding of a difference */
    slack = sep->kind == HFY_SEP_NORMMAX && edge < 1e-3L ? 1e-16 / ((double)edge + 1e-18) : 0;
    if (slack > 1) slack = 1;
    for (i = 0; i < n; i++) {
        double w = (double)want[i], got = (double)y[i], tol;
        tol = (sizeof(hfy_real) == 4 ? 1.5 * REAL_EPS * fabs(w) : ORACLE_TOL * (fabs(w) > 1 ? fabs(w) : 1)) +
              ORACLE_TOL + slack;
        sum += got;
        if (!(fabs(got - w) <= tol)) CHECK_NEAR(got, w, 0);
        if (is_polytope(sep)) {
            if (got < 0) CHECK(got >= 0);
            if ((got > 0) != (want[i] > 0) && want[i] > 1e-13L && edge > 1e-13L &&
                w > (sizeof(hfy_real) == 4 ? 1e-30 : 1e-200))
                CHECK((got > 0) == (want[i] > 0));
            if (got > 0 && !(want[i] > 0) && edge > 1e-13L) CHECK(!(got > 0));
            if (!oracle_finite(t[i])) CHECK_EQ(got, sep->lower ? sep->lower[row * sep->bound_stride + i] : 0);
        }
    }
    if (is_polytope(sep) && !sep->plus)
        CHECK_NEAR(sum / total_of(sep), 1, sizeof(hfy_real) == 4 ? 0.75 * REAL_EPS : 1e-15 + 3e-17 * (double)n);
    if (check_errors != before) show(sep, n, scale);
}

static void random_rows(hfy_sep sep, double most)
{
    static const size_t sizes[] = {1, 2, 3, 5, 17, 64, 200};
    static const double scales[] = {0.01, 0.1, 1, 3, 30, 1e4};
    static hfy_real t[4 * ROW], y[4 * ROW];
    hfy_rng rng = hfy_rng_seed(17);
    hfy_work work;
    size_t i, s;
    int j;
    memset(&work, 0, sizeof work);
    for (i = 0; i < COUNT(sizes); i++) {
        size_t n = sizes[i];
        if (is_polytope(&sep) && total_of(&sep) > (double)n) continue;
        if (sep.kind == HFY_SEP_KSUBSETS && n < 5 && total_of(&sep) > 2) continue;
        for (s = 0; s < COUNT(scales) && scales[s] <= most; s++) {
            for (j = 0; j < 4; j++) scores(&rng, j, scales[s], n, t + (size_t)j * n);
            CHECK(hfy_sep_apply(&sep, t, 4, n, y, &work) == HFY_OK);
            for (j = 0; j < 4; j++)
                check_row(&sep, t + (size_t)j * n, n, (size_t)j, y + (size_t)j * n, scales[s]);
        }
    }
    hfy_work_free(&work);
}

TEST(random_softmax) { random_rows(sep_of(HFY_SEP_SOFTMAX), 1e4); }
TEST(random_sparsemax) { random_rows(sep_of(HFY_SEP_SPARSEMAX), 1e4); }
TEST(random_entmax_below_1)
{
    random_rows(entmax(0.3), 1e4);
    random_rows(entmax(0.5), 1e4);
    random_rows(entmax(0.9), 1e4);
}
TEST(random_entmax_near_1)
{
    random_rows(entmax(1 - 1e-9), 1e4);
    random_rows(entmax(1), 1e4);
    random_rows(entmax(1 + 1e-9), 1e4);
    random_rows(entmax(1 + 1e-4), 1e4);
    random_rows(entmax(1.05), 1e4);
}
TEST(random_entmax_below_2)
{
    random_rows(entmax(1.3), 1e4);
    random_rows(entmax(1.4999999), 1e4);
    random_rows(entmax(1.5), 1e4);
    random_rows(entmax(1.7), 1e4);
    random_rows(entmax(2 - 1e-9), 1e4);
    random_rows(entmax(2), 1e4);
}
TEST(random_entmax_above_2)
{
    random_rows(entmax(2 + 1e-9), 1e4);
    random_rows(entmax(2.5), 1e4);
    random_rows(entmax(3), 1e4);
    random_rows(entmax(4), 1e4);
}
TEST(random_entmax_large)
{
    random_rows(entmax(5), 1e4);
    random_rows(entmax(8), 1e4);
    random_rows(entmax(10), 1e4);
    random_rows(entmax(20), 1e4);
    random_rows(entmax(50), 1e4);
    random_rows(entmax(200), 1e4);
    random_rows(entmax(1e6), 1e4);
    random_rows(entmax(HUGE_VAL), 1e4);
}
TEST(random_normmax_near_1)
{
    random_rows(normmax(1), 1e4);
    random_rows(normmax(1 + 1e-9), 1e4);
    random_rows(normmax(1.05), 1e4);
    random_rows(normmax(1.2), 1e4);
}
TEST(random_normmax)
{
    random_rows(normmax(1.5), 1e4);
    random_rows(normmax(2), 1e4);
    random_rows(normmax(3), 1e4);
    random_rows(normmax(5), 1e4);
}
TEST(random_normmax_large)
{
    random_rows(normmax(10), 1e4);
    random_rows(normmax(100), 1e4);
    random_rows(normmax(1e4), 1e4);
    random_rows(normmax(1e30), 1e4);
    random_rows(normmax(HUGE_VAL), 1e4);
}
TEST(random_ksubsets)
{
    hfy_sep sep = ksubsets(3);
    random_rows(ksubsets(0.5), 1e4);
    random_rows(ksubsets(1), 1e4);
    random_rows(ksubsets(2), 1e4);
    random_rows(ksubsets(2.5), 1e4);
    random_rows(sep, 1e4);
    sep.rho = 0.4;
    random_rows(sep, 1e4);
    sep.rho = 7;
    random_rows(sep, 1e4);
}
TEST(random_identity) { random_rows(sep_of(HFY_SEP_IDENTITY), 1e4); }
TEST(random_power)
{
    random_rows(power(1.5), 1e4);
    random_rows(power(2), 1e4);
    random_rows(power(3), 1e4);
    random_rows(power(6), 30);
}
TEST(random_exp) { random_rows(sep_of(HFY_SEP_EXP), 3); }
TEST(random_argmax)
{
    random_rows(argmax(1), 1e4);
    random_rows(argmax(3), 1e4);
}
TEST(random_uniform) { random_rows(sep_of(HFY_SEP_UNIFORM), 1e4); }

/* --- what holds of every separation --- */

TEST(defaults_are_the_documented_ones)
{
    static const hfy_sep zero;
    static const hfy_real t[] = {(hfy_real)0.4, 0, (hfy_real)-0.3, (hfy_real)0.1};
    hfy_sep pairs[6][2];
    size_t i;
    memset(pairs, 0, sizeof pairs);
    CHECK(zero.kind == HFY_SEP_SOFTMAX);
    pairs[0][0] = entmax(0), pairs[0][1] = entmax(1.5);
    pairs[1][0] = normmax(0), pairs[1][1] = normmax(2);
    pairs[2][0] = power(0), pairs[2][1] = power(3);
    pairs[3][0] = ksubsets(0), pairs[3][1] = ksubsets(1);
    pairs[3][1].rho = 1;
    pairs[4][0] = argmax(0), pairs[4][1] = argmax(1);
    pairs[5][0] = zero, pairs[5][1] = sep_of(HFY_SEP_SOFTMAX);
    pairs[5][1].alpha = -3, pairs[5][1].k = -1; /* members that a kind does not use are ignored */
    for (i = 0; i < 6; i++) {
        hfy_real a[4], b[4];
        CHECK(hfy_sep_apply(&pairs[i][0], t, 1, 4, a, NULL) == HFY_OK);
        CHECK(hfy_sep_apply(&pairs[i][1], t, 1, 4, b, NULL) == HFY_OK);
        CHECK(same_bits(a, b, sizeof a));
    }
}

TEST(order_is_kept_and_ties_are_equal)
{
    hfy_sep list[64];
    hfy_real t[60], y[60];
    hfy_rng rng = hfy_rng_seed(3);
    size_t count = all_seps(list), c, i, j;
    int trial;
    for (c = 0; c < count; c++)
        for (trial = 0; trial < 6; trial++) {
            scores(&rng, trial % 2 ? SHAPE_TIES : SHAPE_NORMAL, trial < 4 ? 1 : 0.05, 60, t);
            CHECK(hfy_sep_apply(&list[c], t, 1, 60, y, NULL) == HFY_OK);
            for (i = 0; i < 60; i++)
                for (j = 0; j < 60; j++) {
                    if (t[i] > t[j] && (double)y[i] < (double)y[j] * (1 - REAL_EPS))
                        CHECK(y[i] >= y[j]), show(&list[c], 60, trial);
                    if (list[c].kind != HFY_SEP_ARGMAX && !(t[i] > t[j]) && !(t[i] < t[j]) &&
                        !same_bits(&y[i], &y[j], sizeof y[i]))
                        check_report(0, __FILE__, __LINE__, "equal scores, equal weights"), show(&list[c], 60, trial);
                }
        }
}

TEST(permutation_of_scores_permutes_weights)
{
    hfy_sep list[64];
    hfy_real t[50], u[50], y[50], z[50];
    hfy_rng rng = hfy_rng_seed(4);
    size_t count = all_seps(list), c, i;
    for (c = 0; c < count; c++) {
        scores(&rng, SHAPE_NORMAL, 0.5, 50, t);
        for (i = 0; i < 50; i++) u[i] = t[(i * 17 + 5) % 50];
        CHECK(hfy_sep_apply(&list[c], t, 1, 50, y, NULL) == HFY_OK);
        CHECK(hfy_sep_apply(&list[c], u, 1, 50, z, NULL) == HFY_OK);
        for (i = 0; i < 50; i++) {
            double w = (double)y[(i * 17 + 5) % 50];
            CHECK_NEAR((double)z[i] - w, 0, 2 * REAL_EPS * fabs(w) + ORACLE_TOL);
            CHECK((z[i] > 0) == (w > 0));
        }
        show(&list[c], 50, 0.5);
    }
}

TEST(shift_of_scores_changes_nothing)
{
    hfy_sep list[64];
    hfy_real t[40], u[40], y[40], z[40];
    hfy_rng rng = hfy_rng_seed(5);
    size_t count = all_seps(list), c, i;
    for (c = 0; c < count; c++) {
        if (!is_polytope(&list[c])) continue;
        for (i = 0; i < 40; i++) t[i] = (hfy_real)(floor(512 * hfy_rng_normal(&rng)) / 1024);
        for (i = 0; i < 40; i++) u[i] = t[i] + 256; /* exact in float too */
        CHECK(hfy_sep_apply(&list[c], t, 1, 40, y, NULL) == HFY_OK);
        CHECK(hfy_sep_apply(&list[c], u, 1, 40, z, NULL) == HFY_OK);
        for (i = 0; i < 40; i++) CHECK_NEAR(z[i], y[i], REAL_TOL(1));
        show(&list[c], 40, 1);
    }
}

TEST(rows_of_a_batch_are_single_rows)
{
    hfy_sep list[64];
    static hfy_real t[7 * 33], y[7 * 33], one[33];
    hfy_rng rng = hfy_rng_seed(6);
    size_t count = all_seps(list), c, j;
    for (c = 0; c < count; c++) {
        for (j = 0; j < 7; j++) scores(&rng, (int)j % SHAPES, j == 1 ? 0.1 : 1, 33, t + j * 33);
        CHECK(hfy_sep_apply(&list[c], t, 7, 33, y, NULL) == HFY_OK);
        for (j = 0; j < 7; j++) {
            CHECK(hfy_sep_apply(&list[c], t + j * 33, 1, 33, one, NULL) == HFY_OK);
            CHECK(same_bits(one, y + j * 33, sizeof one));
        }
        show(&list[c], 33, 1);
    }
}

TEST(in_place_is_out_of_place)
{
    hfy_sep list[64], more = sep_of(HFY_SEP_SPARSEMAX);
    static hfy_real t[5 * 30], y[5 * 30];
    hfy_rng rng = hfy_rng_seed(7);
    size_t count = all_seps(list), c, j;
    for (c = 0; c < 2 * count; c++) {
        hfy_sep sep = list[c % count];
        if (c >= count) sep.plus = &more;
        for (j = 0; j < 5; j++) scores(&rng, (int)j % SHAPES, 1, 30, t + j * 30);
        CHECK(hfy_sep_apply(&sep, t, 5, 30, y, NULL) == HFY_OK);
        CHECK(hfy_sep_apply(&sep, t, 5, 30, t, NULL) == HFY_OK);
        CHECK(same_bits(t, y, sizeof t));
        show(&sep, 30, 1);
    }
}

TEST(the_input_is_left_alone)
{
    hfy_sep list[64];
    hfy_real t[30], before[30], y[30];
    hfy_rng rng = hfy_rng_seed(8);
    size_t count = all_seps(list), c;
    scores(&rng, SHAPE_MASKED, 1, 30, t);
    memcpy(before, t, sizeof t);
    for (c = 0; c < count; c++) CHECK(hfy_sep_apply(&list[c], t, 1, 30, y, NULL) == HFY_OK);
    CHECK(same_bits(before, t, sizeof t));
}

TEST(masked_scores_do_not_count)
{
    hfy_sep list[64];
    hfy_real t[36], y[36], packed[36], z[36];
    hfy_rng rng = hfy_rng_seed(9);
    size_t count = all_seps(list), c, i, n;
    for (c = 0; c < count; c++) {
        scores(&rng, SHAPE_MASKED, 1, 36, t);
        for (n = 0, i = 0; i < 36; i++)
            if (oracle_finite(t[i])) packed[n++] = t[i];
        CHECK(hfy_sep_apply(&list[c], t, 1, 36, y, NULL) == HFY_OK);
        CHECK(hfy_sep_apply(&list[c], packed, 1, n, z, NULL) == HFY_OK);
        for (n = 0, i = 0; i < 36; i++) {
            if (oracle_finite(t[i]))
                CHECK_NEAR(y[i], z[n++], REAL_TOL(1));
            else
                CHECK_EQ(y[i], 0);
        }
        show(&list[c], 36, 1);
    }
}

TEST(one_score_gets_everything)
{
    hfy_sep list[64];
    size_t count = all_seps(list), c, i;
    static const double at[] = {0, -3.25, 1e6, 1e-30};
    for (c = 0; c < count; c++) {
        if (!is_polytope(&list[c]) || total_of(&list[c]) > 1) continue;
        for (i = 0; i < COUNT(at); i++) {
            hfy_real t = (hfy_real)at[i], y = 7;
            double omega, conj;
            CHECK(hfy_sep_apply(&list[c], &t, 1, 1, &y, NULL) == HFY_OK);
            CHECK_EQ(y, total_of(&list[c]));
            CHECK(hfy_sep_value(&list[c], &y, 1, 1, &omega, NULL) == HFY_OK);
            CHECK(hfy_sep_conjugate(&list[c], &t, 1, 1, &conj, NULL) == HFY_OK);
            CHECK_NEAR(conj, (double)t * total_of(&list[c]) - omega, 1e-12);
            show(&list[c], 1, at[i]);
        }
    }
}

TEST(equal_scores_of_many_patterns_are_uniform)
{
    hfy_sep list[64];
    static hfy_real t[5000], y[5000];
    size_t count = all_seps(list), c, i;
    fill(t, 5000, 0.3);
    for (c = 0; c < count; c++) {
        if (!is_polytope(&list[c]) || list[c].kind == HFY_SEP_ARGMAX) continue;
        CHECK(hfy_sep_apply(&list[c], t, 1, 5000, y, NULL) == HFY_OK);
        for (i = 0; i < 5000; i++)
            if (fabs((double)y[i] * 5000 / total_of(&list[c]) - 1) > (sizeof(hfy_real) == 4 ? REAL_EPS : 1e-12)) break;
        CHECK(i == 5000);
        show(&list[c], 5000, 0);
    }
}

/* --- margins --- */

TEST(margin_values)
{
    static const double upper[] = {1, 1};
    hfy_sep sep = ksubsets(2), soft = sep_of(HFY_SEP_SOFTMAX), sparse = sep_of(HFY_SEP_SPARSEMAX);
    CHECK_EQ(hfy_sep_margin(&sparse), 1);
    CHECK_EQ(hfy_sep_margin(&soft), HUGE_VAL);
    soft = entmax(1.5);
    CHECK_EQ(hfy_sep_margin(&soft), 2);
    soft = entmax(0);
    CHECK_EQ(hfy_sep_margin(&soft), 2);
    soft = entmax(4);
    CHECK_NEAR(hfy_sep_margin(&soft), 1 / 3.0, 1e-15);
    soft = entmax(1);
    CHECK_EQ(hfy_sep_margin(&soft), HUGE_VAL);
    soft = entmax(0.5);
    CHECK_EQ(hfy_sep_margin(&soft), HUGE_VAL);
    soft = entmax(HUGE_VAL);
    CHECK_EQ(hfy_sep_margin(&soft), 0);
    soft = normmax(1.1);
    CHECK_EQ(hfy_sep_margin(&soft), 1);
    soft = normmax(HUGE_VAL);
    CHECK_EQ(hfy_sep_margin(&soft), 1);
    soft = normmax(1);
    CHECK_EQ(hfy_sep_margin(&soft), 0);
    CHECK_EQ(hfy_sep_margin(&sep), 1);
    sep.rho = 0.25;
    CHECK_EQ(hfy_sep_margin(&sep), 0.25);
    sep.upper = upper;
    CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
    sparse.upper = upper;
    CHECK_EQ(hfy_sep_margin(&sparse), HUGE_VAL);
    sep = argmax(3);
    CHECK_EQ(hfy_sep_margin(&sep), 0);
    sep = sep_of(HFY_SEP_IDENTITY);
    CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
    sep = power(3);
    CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
    sep = sep_of(HFY_SEP_EXP);
    CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
    sep = sep_of(HFY_SEP_UNIFORM);
    CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
    sep = entmax(-1);
    CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
    sep = normmax(0.5);
    CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
    CHECK_EQ(hfy_sep_margin(NULL), HUGE_VAL);
}

TEST(margin_of_a_sum_is_the_larger)
{
    hfy_sep first = entmax(1.5), second = sep_of(HFY_SEP_SPARSEMAX);
    first.plus = &second;
    CHECK_EQ(hfy_sep_margin(&first), 2);
    second.plus = NULL;
    first = sep_of(HFY_SEP_SPARSEMAX);
    second = entmax(1.25);
    first.plus = &second;
    CHECK_EQ(hfy_sep_margin(&first), 4);
    second = sep_of(HFY_SEP_SOFTMAX);
    CHECK_EQ(hfy_sep_margin(&first), HUGE_VAL);
}

/* One-hot (the k best for k-subsets) exactly from a gap of the margin on, and not much below it. */
TEST(vertices_from_the_margin_on)
{
    hfy_sep list[64];
    hfy_rng rng = hfy_rng_seed(10);
    size_t count = all_seps(list), c, i, j;
    int trial;
    for (c = 0; c < count; c++) {
        double m = hfy_sep_margin(&list[c]), k = total_of(&list[c]);
        size_t best = (size_t)k;
        if (!(m < 1e300) || (double)best < k || list[c].kind == HFY_SEP_UNIFORM) continue;
        for (trial = 0; trial < 200; trial++) {
            hfy_real t[12], y[12], level = (hfy_real)(hfy_rng_normal(&rng) * (trial % 4 == 3 ? 100 : 1));
            double want, gap;
            size_t where = (size_t)(hfy_rng_u64(&rng) % 12), high = 0;
            for (i = 0; i < 12; i++) t[i] = level - (hfy_real)(trial % 2 ? hfy_rng_uniform(&rng) : 0);
            t[(where + 6) % 12] = level;
            for (i = 0; i < best; i++) {
                hfy_real v = (hfy_real)((double)level + m);
                while ((double)v - (double)level < m)
                    v = v + (hfy_real)(REAL_EPS * (fabs((double)v) > m ? fabs((double)v) : m));
                t[(where + i) % 12] = v + (hfy_real)(trial % 3 == 2 ? hfy_rng_uniform(&rng) : 0);
            }
            if (m <= 0 && list[c].kind != HFY_SEP_ARGMAX) { /* ties share: a gap of 0 is none */
                for (i = 0; i < 12; i++)
                    if (i != where && t[i] >= t[where]) t[i] = level - 1;
            }
            CHECK(hfy_sep_apply(&list[c], t, 1, 12, y, NULL) == HFY_OK);
            for (i = 0; i < 12; i++) {
                int on = 0;
                for (j = 0; j < best; j++) on |= i == (where + j) % 12;
                if (m <= 0 && list[c].kind == HFY_SEP_ARGMAX) on = y[i] > 0;
                want = on;
                if ((double)y[i] < want || (double)y[i] > want) CHECK_EQ(y[i], want), show(&list[c], 12, trial);
                high += y[i] > 0;
            }
            CHECK(high == best);
            if (m < 64 * REAL_EPS * (1 + fabs((double)level))) continue; /* no score lies that near */
            gap = m * 0.98;
            for (i = 0; i < 12; i++) t[i] = level - 5;
            t[(where + 6) % 12] = level;
            for (i = 0; i < best; i++) t[(where + i) % 12] = (hfy_real)((double)level + gap);
            CHECK(hfy_sep_apply(&list[c], t, 1, 12, y, NULL) == HFY_OK);
            CHECK((list[c].alpha > 0 && list[c].alpha < 1.1) || (list[c].gamma > 0 && list[c].gamma < 1.01) ||
                  y[(where + 6) % 12] > 0); /* (0.02)^(1/a) may be tiny */
            CHECK(list[c].kind == HFY_SEP_NORMMAX && list[c].gamma < 1.2 ? 1 : y[where] < 1 || list[c].alpha < 1.3);
            show(&list[c], 12, trial);
        }
    }
}

/* --- alpha: continuous, and right where the field's package is not --- */

TEST(alpha_is_continuous_across_1_and_1_5_and_2)
{
    static const double at[] = {1, 1.5, 2}, steps[] = {1e-13, 1e-11, 1e-9, 1e-7, 1e-5, 1e-3};
    hfy_real t[40], y[40], z[40];
    hfy_rng rng = hfy_rng_seed(11);
    size_t a, s, i;
    int side, trial;
    for (trial = 0; trial < 5; trial++) {
        scores(&rng, SHAPE_NORMAL, trial < 3 ? 1 : 0.1, 40, t);
        for (a = 0; a < 3; a++)
            for (s = 0; s < COUNT(steps); s++)
                for (side = -1; side <= 1; side += 2) {
                    hfy_sep middle = entmax(at[a]), near = entmax(at[a] + side * steps[s]);
                    CHECK(hfy_sep_apply(&middle, t, 1, 40, y, NULL) == HFY_OK);
                    CHECK(hfy_sep_apply(&near, t, 1, 40, z, NULL) == HFY_OK);
                    for (i = 0; i < 40; i++) CHECK_NEAR(z[i], y[i], 2 * steps[s] + REAL_TOL(1));
                }
    }
}

TEST(gamma_is_continuous_across_2)
{
    static const double steps[] = {1e-12, 1e-9, 1e-6, 1e-4};
    hfy_real t[40], y[40], z[40];
    hfy_rng rng = hfy_rng_seed(12);
    size_t s, i;
    for (s = 0; s < COUNT(steps); s++) {
        hfy_sep middle = normmax(2), below = normmax(2 - steps[s]), above = normmax(2 + steps[s]);
        scores(&rng, SHAPE_NORMAL, 0.3, 40, t);
        CHECK(hfy_sep_apply(&middle, t, 1, 40, y, NULL) == HFY_OK);
        CHECK(hfy_sep_apply(&below, t, 1, 40, z, NULL) == HFY_OK);
        for (i = 0; i < 40; i++) CHECK_NEAR(z[i], y[i], 2 * steps[s] + REAL_TOL(1));
        CHECK(hfy_sep_apply(&above, t, 1, 40, z, NULL) == HFY_OK);
        for (i = 0; i < 40; i++) CHECK_NEAR(z[i], y[i], 2 * steps[s] + REAL_TOL(1));
    }
}

TEST(alpha_from_5_on_is_exact)
{
    static const double large[] = {5, 6, 8, 10, 16, 32, 50, 200, 1000};
    hfy_real t[30], y[30];
    hfy_rng rng = hfy_rng_seed(13);
    size_t a;
    int trial;
    for (a = 0; a < COUNT(large); a++)
        for (trial = 0; trial < 20; trial++) {
            hfy_sep sep = entmax(large[a]);
            scores(&rng, trial % 4, trial < 10 ? 1 : 0.02, 30, t);
            CHECK(hfy_sep_apply(&sep, t, 1, 30, y, NULL) == HFY_OK);
            check_row(&sep, t, 30, 0, y, trial);
        }
}

/* One score d above m equal ones: y_1^a - u^a = a d and y_1 + m u = 1, a = alpha - 1; u^a may be no number any more.
   Near alpha = 2 a compiler that fuses a d - a d must not find a remainder. */
TEST(one_score_above_equal_ones)
{
    static const double large[] = {2.01, 2.1, 2.5, 3, 4, 10, 50, 200, 1000, 1e6};
    static const double shares[] = {1e-4, 0.003, 0.01, 0.0303, 0.3, 0.7, 0.99};
    static const size_t equals[] = {1, 2, 10, 40};
    hfy_real t[41], y[41];
    size_t a, b, m, i;
    for (a = 0; a < COUNT(large); a++)
        for (b = 0; b < COUNT(shares); b++)
            for (m = 0; m < COUNT(equals); m++) {
                hfy_sep sep = entmax(large[a]);
                fill(t, 41, 0);
                t[equals[m] / 2] = (hfy_real)(shares[b] / (large[a] - 1));
                CHECK(hfy_sep_apply(&sep, t, 1, equals[m] + 1, y, NULL) == HFY_OK);
                check_row(&sep, t, equals[m] + 1, 0, y, shares[b]);
                for (i = 0; i <= equals[m]; i++) CHECK(y[i] > 0);
            }
}

/* Large scores with small differences: in float the gaps are multiples of 1/16, so answers are far from one-hot. */
TEST(scores_near_a_million_keep_their_gaps)
{
    hfy_sep list[64];
    hfy_real t[40], y[40];
    hfy_rng rng = hfy_rng_seed(14);
    size_t count = all_seps(list), c, i;
    for (c = 0; c < count; c++) {
        if (!is_polytope(&list[c])) continue;
        for (i = 0; i < 40; i++) t[i] = (hfy_real)(1e6 + floor(hfy_rng_uniform(&rng) * 24) / 16);
        CHECK(hfy_sep_apply(&list[c], t, 1, 40, y, NULL) == HFY_OK);
        check_row(&list[c], t, 40, 0, y, 1e6);
        for (i = 0; i < 40; i++) t[i] = (hfy_real)(1e6 * hfy_rng_normal(&rng));
        CHECK(hfy_sep_apply(&list[c], t, 1, 40, y, NULL) == HFY_OK);
        check_row(&list[c], t, 40, 0, y, 1e6);
    }
}

TEST(scores_at_the_ends_of_the_range)
{
    hfy_sep list[64];
    size_t count = all_seps(list), c;
    hfy_real big = (hfy_real)(sizeof(hfy_real) == 8 ? 1e308 : 3e38), t[4], y[4];
    for (c = 0; c < count; c++) {
        if (!is_simplex(&list[c])) continue;
        t[0] = -big, t[1] = big, t[2] = 0, t[3] = big / 2;
        CHECK(hfy_sep_apply(&list[c], t, 1, 4, y, NULL) == HFY_OK);
        if (list[c].kind == HFY_SEP_UNIFORM) continue;
        CHECK_EQ(y[1], 1);
        CHECK_NEAR(y[0], 0, 1e-9);
        CHECK_NEAR(y[2], 0, 1e-9);
        CHECK_NEAR(y[3], 0, 1e-9);
        t[1] = -big, t[2] = -big, t[3] = -big;
        CHECK(hfy_sep_apply(&list[c], t, 1, 4, y, NULL) == HFY_OK);
        CHECK_NEAR(y[0], 0.25, REAL_TOL(1));
        CHECK_NEAR(y[3], 0.25, REAL_TOL(1));
        show(&list[c], 4, 1e308);
    }
}

/* --- Fenchel-Young identities --- */

/* a random point of dom(Omega) */
static void domain_point(hfy_rng *rng, const hfy_sep *sep, size_t n, hfy_real *y)
{
    hfy_sep inside = *sep;
    hfy_real t[ROW];
    size_t i;
    scores(rng, SHAPE_NORMAL, 1, n, t);
    if (sep->kind == HFY_SEP_ARGMAX) inside = ksubsets(sep->k);
    if (is_simplex(sep)) inside = hfy_rng_uniform(rng) < 0.5 ? sep_of(HFY_SEP_SOFTMAX) : sep_of(HFY_SEP_SPARSEMAX);
    if (hfy_sep_apply(&inside, t, 1, n, y, NULL)) check_report(0, __FILE__, __LINE__, "a point of the domain");
    if (sep->kind == HFY_SEP_EXP)
        for (i = 0; i < n; i++)
            if (hfy_rng_uniform(rng) < 0.2) y[i] = 0;
}

TEST(value_agrees_with_its_formula)
{
    hfy_sep list[64];
    hfy_rng rng = hfy_rng_seed(20);
    size_t count = all_seps(list), c, trial;
    for (c = 0; c < count; c++)
        for (trial = 0; trial < 20; trial++) {
            hfy_real y[50];
            wide w[50];
            double got = 7, want, sum = 0;
            size_t n = 5 + trial * 2, i;
            if (list[c].kind == HFY_SEP_UNIFORM) continue;
            domain_point(&rng, &list[c], n, y);
            CHECK(hfy_sep_value(&list[c], y, 1, n, &got, NULL) == HFY_OK);
            widen(y, n, w);
            for (i = 0; i < n; i++) sum += (double)y[i];
            want = (double)oracle_omega(&list[c], w, n);
            /* |y|^2/2 - 1/2 and (|y|^2 - sum y)/2 differ by what rounding leaves of sum y - 1 */
            CHECK_NEAR(got, want, ORACLE_TOL + ((list[c].kind == HFY_SEP_ENTMAX && list[c].alpha >= 2) ||
                                                    (list[c].kind == HFY_SEP_NORMMAX && list[c].gamma <= 1)
                                                    ? fabs(sum - 1) : 0));
            show(&list[c], n, (double)trial);
        }
}

TEST(value_outside_the_domain_is_infinite)
{
    static const hfy_real sum2[] = {1, 1, 0, 0}, negative[] = {1, (hfy_real)-0.25, (hfy_real)0.25, 0};
    static const hfy_real short_of_1[] = {(hfy_real)0.5, (hfy_real)0.49, 0, 0},
                          above[] = {(hfy_real)1.5, (hfy_real)0.5, 0, 0};
    static const double upper[] = {0.25, 1, 1, 1}, lower[] = {0, 0.25, 0, 0};
    hfy_sep list[64], sep;
    size_t count = all_seps(list), c;
    double got;
    for (c = 0; c < count; c++) {
        if (is_simplex(&list[c]) && list[c].kind != HFY_SEP_UNIFORM) {
            CHECK(hfy_sep_value(&list[c], sum2, 1, 4, &got, NULL) == HFY_OK);
            CHECK_EQ(got, HUGE_VAL);
            CHECK(hfy_sep_value(&list[c], short_of_1, 1, 4, &got, NULL) == HFY_OK);
            CHECK_EQ(got, HUGE_VAL);
            CHECK(hfy_sep_value(&list[c], negative, 1, 4, &got, NULL) == HFY_OK);
            CHECK_EQ(got, HUGE_VAL);
        }
        show(&list[c], 4, 0);
    }
    sep = ksubsets(2);
    CHECK(hfy_sep_value(&sep, sum2, 1, 4, &got, NULL) == HFY_OK);
    CHECK_EQ(got, 1);
    CHECK(hfy_sep_value(&sep, above, 1, 4, &got, NULL) == HFY_OK);
    CHECK_EQ(got, HUGE_VAL);
    sep = sep_of(HFY_SEP_EXP);
    CHECK(hfy_sep_value(&sep, negative, 1, 4, &got, NULL) == HFY_OK);
    CHECK_EQ(got, HUGE_VAL);
    sep = sep_of(HFY_SEP_SPARSEMAX);
    sep.upper = upper;
    CHECK(hfy_sep_value(&sep, short_of_1, 1, 4, &got, NULL) == HFY_OK);
    CHECK_EQ(got, HUGE_VAL);
    {
        static const hfy_real ok[] = {(hfy_real)0.25, (hfy_real)0.25, (hfy_real)0.5, 0},
                              low[] = {(hfy_real)0.25, 0, (hfy_real)0.75, 0};
        CHECK(hfy_sep_value(&sep, ok, 1, 4, &got, NULL) == HFY_OK);
        CHECK_NEAR(got, 0.1875, 1e-15); /* with bounds: 1/2 |y|^2 */
        sep.lower = lower;
        CHECK(hfy_sep_value(&sep, ok, 1, 4, &got, NULL) == HFY_OK);
        CHECK_NEAR(got, 0.1875, 1e-15);
        CHECK(hfy_sep_value(&sep, low, 1, 4, &got, NULL) == HFY_OK);
        CHECK_EQ(got, HUGE_VAL);
    }
}

TEST(conjugate_agrees_with_its_definition)
{
    hfy_sep list[64];
    hfy_rng rng = hfy_rng_seed(21);
    size_t count = all_seps(list), c;
    int trial;
    for (c = 0; c < count; c++)
        for (trial = 0; trial < 16; trial++) {
            hfy_real t[40];
            wide w[40];
            double got = 7;
            scores(&rng, trial % 4, trial < 4 ? 0.1 : trial < 12 ? 1 : 3, 40, t);
            widen(t, 40, w);
            CHECK(hfy_sep_conjugate(&list[c], t, 1, 40, &got, NULL) == HFY_OK);
            CHECK_NEAR(got, (double)oracle_conjugate(&list[c], w, 40, 0),
                       4 * ORACLE_TOL); /* in double even for float */
            show(&list[c], 40, trial);
        }
}

/* Omega*(theta) >= theta.y - Omega(y) for every y, with equality at the prediction */
TEST(conjugate_is_the_maximum)
{
    hfy_sep list[64];
    hfy_rng rng = hfy_rng_seed(22);
    size_t count = all_seps(list), c, trial;
    for (c = 0; c < count; c++)
        for (trial = 0; trial < 40; trial++) {
            hfy_real t[20], y[20];
            double conj, omega, dot = 0;
            size_t i;
            if (list[c].kind == HFY_SEP_UNIFORM) continue;
            scores(&rng, SHAPE_NORMAL, trial < 20 ? 1 : 0.1, 20, t);
            domain_point(&rng, &list[c], 20, y);
            CHECK(hfy_sep_conjugate(&list[c], t, 1, 20, &conj, NULL) == HFY_OK);
            CHECK(hfy_sep_value(&list[c], y, 1, 20, &omega, NULL) == HFY_OK);
            for (i = 0; i < 20; i++) dot += (double)t[i] * (double)y[i];
            if (sizeof(hfy_real) == 8) CHECK(omega + conj - dot >= -1e-12 * (1 + fabs(dot)));
            if (sizeof(hfy_real) == 4)
                CHECK(omega + conj - dot >= -20 * REAL_EPS * (1 + fabs(dot))); /* sum y is rounded */
            show(&list[c], 20, (double)trial);
        }
}

TEST(loss_is_not_negative_and_agrees)
{
    hfy_sep list[64];
    hfy_rng rng = hfy_rng_seed(23);
    size_t count = all_seps(list), c, trial, i;
    for (c = 0; c < count; c++)
        for (trial = 0; trial < 40; trial++) {
            hfy_real t[24], y[24];
            wide wt[24], wy[24], want, sum = 0;
            double got = -7;
            if (list[c].kind == HFY_SEP_UNIFORM) continue;
            scores(&rng, SHAPE_NORMAL, trial < 20 ? 1 : 0.2, 24, t);
            domain_point(&rng, &list[c], 24, y);
            widen(t, 24, wt);
            widen(y, 24, wy);
            CHECK(hfy_sep_loss(&list[c], t, y, 1, 24, &got, NULL) == HFY_OK);
            CHECK(got >= 0);
            want = oracle_omega(&list[c], wy, 24) + oracle_conjugate(&list[c], wt, 24, 0);
            for (i = 0; i < 24; i++) want -= wt[i] * wy[i], sum += wy[i];
            if (is_polytope(
                    &list[c])) { /* judged relative to the largest score: the rounding of sum y does not count */
                for (i = 0; i < 24; i++) want += 0;
                want += oracle_top(wt, 24) * (sum - (wide)total_of(&list[c]));
            }
            if (want < 0) want = 0;
            CHECK_NEAR(got, (double)want, sizeof(hfy_real) == 4 ? 8 * REAL_EPS : 4 * ORACLE_TOL);
            show(&list[c], 24, (double)trial);
        }
}

TEST(loss_is_exactly_0_at_the_prediction)
{
    hfy_sep list[64];
    hfy_rng rng = hfy_rng_seed(24);
    size_t count = all_seps(list), c;
    static const double scales[] = {0.05, 1, 3, 1e3, 1e6};
    int trial;
    for (c = 0; c < count; c++)
        for (trial = 0; trial < 20; trial++) {
            hfy_real t[33], y[33];
            double got = -7, scale = scales[trial % 5];
            if (list[c].kind == HFY_SEP_EXP && scale > 3) continue;
            if (list[c].kind == HFY_SEP_POWER && scale > 1e3) continue;
            scores(&rng, trial % 4, scale, 33, t);
            CHECK(hfy_sep_apply(&list[c], t, 1, 33, y, NULL) == HFY_OK);
            CHECK(hfy_sep_loss(&list[c], t, y, 1, 33, &got, NULL) == HFY_OK);
            CHECK_EQ(got, 0);
            show(&list[c], 33, scale);
        }
}

TEST(loss_has_the_gradient_prediction_minus_target)
{
    hfy_sep list[64];
    hfy_rng rng = hfy_rng_seed(25);
    size_t count = all_seps(list), c, i;
    for (c = 0; c < count; c++) {
        hfy_real t[8], y[8], p[8], keep;
        double h = sizeof(hfy_real) == 8 ? 1e-5 : 1.0 / 256, above, below;
        if (list[c].kind == HFY_SEP_ARGMAX || list[c].kind == HFY_SEP_UNIFORM || list[c].alpha > 8 || list[c].gamma > 8)
            continue;
        if (sizeof(hfy_real) == 4 && (list[c].kind == HFY_SEP_EXP || list[c].kind == HFY_SEP_POWER))
            continue; /* curved */
        scores(&rng, SHAPE_NORMAL, 0.3, 8, t);
        domain_point(&rng, &list[c], 8, y);
        CHECK(hfy_sep_apply(&list[c], t, 1, 8, p, NULL) == HFY_OK);
        for (i = 0; i < 8; i++) {
            double up, down;
            keep = t[i];
            t[i] = (hfy_real)((double)keep + h), up = (double)t[i];
            CHECK(hfy_sep_loss(&list[c], t, y, 1, 8, &above, NULL) == HFY_OK);
            t[i] = (hfy_real)((double)keep - h), down = (double)t[i];
            CHECK(hfy_sep_loss(&list[c], t, y, 1, 8, &below, NULL) == HFY_OK);
            t[i] = keep;
            CHECK_NEAR((above - below) / (up - down), (double)p[i] - (double)y[i], sizeof(hfy_real) == 8 ? 2e-5 : 1e-2);
        }
        show(&list[c], 8, 0.3);
    }
}

TEST(loss_outside_the_domain_is_infinite)
{
    const hfy_real t[] = {1, 0, -1, (hfy_real)-HUGE_VAL};
    static const hfy_real sum2[] = {1, 1, 0, 0}, on_masked[] = {(hfy_real)0.5, 0, 0, (hfy_real)0.5};
    hfy_sep list[64];
    size_t count = all_seps(list), c;
    double got;
    for (c = 0; c < count; c++) {
        if (!is_simplex(&list[c]) || list[c].kind == HFY_SEP_UNIFORM) continue;
        CHECK(hfy_sep_loss(&list[c], t, sum2, 1, 4, &got, NULL) == HFY_OK);
        CHECK_EQ(got, HUGE_VAL);
        CHECK(hfy_sep_loss(&list[c], t, on_masked, 1, 4, &got, NULL) == HFY_OK);
        CHECK_EQ(got, HUGE_VAL);
        show(&list[c], 4, 1);
    }
}

TEST(loss_of_large_scores_does_not_cancel)
{
    hfy_sep list[64];
    size_t count = all_seps(list), c, i;
    hfy_rng rng = hfy_rng_seed(26);
    for (c = 0; c < count; c++) {
        hfy_real t[10], u[10], y[10];
        double low, high;
        if (!is_polytope(&list[c]) || list[c].kind == HFY_SEP_UNIFORM) continue;
        for (i = 0; i < 10; i++) t[i] = (hfy_real)(floor(hfy_rng_normal(&rng) * 16) / 16), u[i] = t[i] + 524288;
        domain_point(&rng, &list[c], 10, y);
        CHECK(hfy_sep_loss(&list[c], t, y, 1, 10, &low, NULL) == HFY_OK);
        CHECK(hfy_sep_loss(&list[c], u, y, 1, 10, &high, NULL) == HFY_OK);
        CHECK_NEAR(high, low, sizeof(hfy_real) == 4 ? REAL_EPS : 1e-12);
        show(&list[c], 10, 1);
    }
}

/* --- derivatives against finite differences of the oracle --- */

/* Central difference of order 4 of v . prediction along direction d of the scores; 0 if a kink is near. */
enum { ALONG_THETA, ALONG_ALPHA, ALONG_GAMMA, ALONG_UPPER, ALONG_LOWER };
static int slope(const hfy_sep *sep, const hfy_real *theta, size_t n, const hfy_real *v, int along, size_t at,
                 wide *out)
{
    static const wide weight[] = {8 / 12.0L, -1 / 12.0L};
    static wide t[ROW], y[ROW], lower[ROW], upper[ROW], h = 1e-7L;
    unsigned long here = 0;
    wide sum = 0;
    size_t i;
    int k, side;
    for (k = 0; k <= 2; k++)
        for (side = k ? -1 : 1; side <= 1; side += 2) {
            hfy_sep moved = *sep;
            wide dot = 0, step = (wide)(side * k) * h, alpha = oracle_or(sep->alpha, 1.5),
                 gamma = oracle_or(sep->gamma, 2);
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

static double smallest(const hfy_real *y, size_t n)
{
    double least = 1;
    size_t i;
    for (i = 0; i < n; i++)
        if (y[i] > 0 && (double)y[i] < least) least = (double)y[i];
    return least;
}

static void vjp_theta(hfy_sep sep, int shape, double scale, size_t n, uint64_t seed)
{
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

TEST(vjp_softmax)
{
    vjp_theta(sep_of(HFY_SEP_SOFTMAX), SHAPE_NORMAL, 1, 9, 30);
    vjp_theta(sep_of(HFY_SEP_SOFTMAX), SHAPE_MASKED, 1, 9, 31);
    vjp_theta(sep_of(HFY_SEP_SOFTMAX), SHAPE_TIES, 1, 9, 32);
}
TEST(vjp_sparsemax)
{
    vjp_theta(sep_of(HFY_SEP_SPARSEMAX), SHAPE_NORMAL, 0.3, 9, 33);
    vjp_theta(sep_of(HFY_SEP_SPARSEMAX), SHAPE_MASKED, 0.3, 9, 34);
    vjp_theta(sep_of(HFY_SEP_SPARSEMAX), SHAPE_NORMAL, 1, 40, 35);
}
TEST(vjp_entmax)
{
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
TEST(vjp_normmax)
{
    vjp_theta(normmax(1.2), SHAPE_NORMAL, 0.3, 9, 46);
    vjp_theta(normmax(1.5), SHAPE_NORMAL, 0.3, 9, 47);
    vjp_theta(normmax(2), SHAPE_MASKED, 0.3, 9, 48);
    vjp_theta(normmax(3), SHAPE_NORMAL, 0.1, 9, 49);
    vjp_theta(normmax(5), SHAPE_NORMAL, 0.1, 9, 50);
}
TEST(vjp_ksubsets)
{
    hfy_sep sep = ksubsets(3);
    vjp_theta(sep, SHAPE_NORMAL, 0.5, 9, 51);
    vjp_theta(ksubsets(2.5), SHAPE_MASKED, 0.5, 9, 52);
    sep.rho = 0.4;
    vjp_theta(sep, SHAPE_NORMAL, 0.3, 9, 53);
}
TEST(vjp_elementwise)
{
    vjp_theta(sep_of(HFY_SEP_IDENTITY), SHAPE_NORMAL, 1, 9, 54);
    vjp_theta(power(3), SHAPE_NORMAL, 1, 9, 55);
    vjp_theta(power(4.5), SHAPE_NORMAL, 1, 9, 56);
    vjp_theta(sep_of(HFY_SEP_EXP), SHAPE_NORMAL, 1, 9, 57);
}
TEST(vjp_sum_of_two)
{
    hfy_sep more = entmax(1.5), sep = sep_of(HFY_SEP_SOFTMAX);
    sep.plus = &more;
    vjp_theta(sep, SHAPE_NORMAL, 0.5, 9, 58);
    sep = sep_of(HFY_SEP_IDENTITY);
    sep.plus = &more;
    vjp_theta(sep, SHAPE_NORMAL, 0.5, 9, 59);
}

TEST(vjp_of_jumps_is_0)
{
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

TEST(vjp_is_symmetric_and_kills_constants)
{
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
        for (i = 0; i < 12; i++) u[i] = (hfy_real)hfy_rng_normal(&rng), v[i] = (hfy_real)hfy_rng_normal(&rng);
        CHECK(hfy_sep_apply(&list[c], t, 1, 12, y, NULL) == HFY_OK);
        grad.theta = ju;
        CHECK(hfy_sep_vjp(&list[c], t, y, u, 1, 12, &grad, NULL) == HFY_OK);
        grad.theta = jv;
        CHECK(hfy_sep_vjp(&list[c], t, y, v, 1, 12, &grad, NULL) == HFY_OK);
        for (i = 0; i < 12; i++) {
            uv += (double)v[i] * (double)ju[i], vu += (double)u[i] * (double)jv[i];
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

TEST(vjp_in_place_and_batch)
{
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

TEST(vjp_without_theta_where_it_is_not_read)
{
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
static void vjp_parameter(hfy_sep sep, int along, double scale, uint64_t seed)
{
    enum { N = 9, ROWS = 3 };
    hfy_rng rng = hfy_rng_seed(seed);
    hfy_real t[ROWS * N], y[ROWS * N], v[ROWS * N];
    hfy_sep_grad grad;
    int trial, compared = 0;
    memset(&grad, 0, sizeof grad);
    for (trial = 0; trial < 12; trial++) {
        double got = 1e9, size = 1;
        wide want = 0, part;
        size_t i, j, good = 0;
        grad.alpha = along == ALONG_ALPHA ? &got : NULL;
        grad.gamma = along == ALONG_GAMMA ? &got : NULL;
        for (j = 0; j < ROWS; j++) scores(&rng, j == 1 ? SHAPE_MASKED : SHAPE_NORMAL, scale, N, t + j * N);
        for (i = 0; i < ROWS * N; i++) v[i] = (hfy_real)hfy_rng_normal(&rng);
        CHECK(hfy_sep_apply(&sep, t, ROWS, N, y, NULL) == HFY_OK);
        CHECK(hfy_sep_vjp(&sep, t, y, v, ROWS, N, &grad, NULL) == HFY_OK);
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

TEST(vjp_alpha)
{
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
TEST(vjp_gamma)
{
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
static void check_relative(double got, double want, double tol)
{
    if (fabs(want) > REAL_MAX)
        CHECK_EQ(got, want > 0 ? HUGE_VAL : -HUGE_VAL);
    else if (!(fabs(got - want) <= tol * fabs(want) + (sizeof(hfy_real) == 4 ? 1e-44 : 1e-320)))
        CHECK_EQ(got, want);
}

static void golden_vjp(hfy_sep sep, const golden_row *row, int scores_given, double tol)
{
    hfy_real t[4], y[4], v[4], g[4];
    double gradient = 7;
    hfy_sep_grad grad;
    size_t i;
    memset(&grad, 0, sizeof grad);
    grad.theta = g;
    *(sep.kind == HFY_SEP_ENTMAX ? &grad.alpha : &grad.gamma) = &gradient;
    for (i = 0; i < 4; i++) t[i] = y[i] = (hfy_real)ldexp(row->row[i], -row->bits), v[i] = (hfy_real)row->v[i] / 32;
    if (scores_given) CHECK(hfy_sep_apply(&sep, t, 1, 4, y, NULL) == HFY_OK);
    CHECK(hfy_sep_vjp(&sep, t, y, v, 1, 4, &grad, NULL) == HFY_OK);
    for (i = 0; i < 4; i++) check_relative((double)g[i], row->jv[i], tol + REAL_EPS);
    check_relative(gradient, row->gradient, 1e-10);
    show(&sep, 4, 1);
}

TEST(vjp_golden_rows)
{
    size_t i;
    for (i = 0; i < COUNT(entmax_rows); i++) golden_vjp(entmax(entmax_rows[i].parameter), &entmax_rows[i], 0, 2e-12);
    for (i = 0; i < COUNT(normmax_rows); i++)
        golden_vjp(normmax(normmax_rows[i].parameter), &normmax_rows[i], 0, 2e-12);
    for (i = 0; i < COUNT(far_rows); i++) golden_vjp(normmax(far_rows[i].parameter), &far_rows[i], 1, 2e-12);
}

/* d y_2 / d theta_2 = 1/(y_1^(alpha-2) + y_2^(alpha-2)), d y_2 / d alpha = that times kappa(ln y_1) - kappa(ln y_2) */
TEST(vjp_of_two_scores)
{
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
            y[0] = (hfy_real)(1 - (double)p), y[1] = (hfy_real)(double)p;
            grad.theta = g, grad.alpha = &got;
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
TEST(vjp_of_equal_scores)
{
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
                grad.alpha = kind ? NULL : &got, grad.gamma = kind ? &got : NULL;
                for (i = 0; i < n; i++) t[i] = (hfy_real)0.375, v[i] = (hfy_real)(i == 0 ? 1 : 0);
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
TEST(vjp_of_weights_that_no_scores_give)
{
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
            grad.theta = g, grad.alpha = c % 2 ? NULL : &got, grad.gamma = c % 2 ? &got : NULL;
            fill(y, 4, 0.25);
            if (j > 0) y[1] = (hfy_real)ldexp(1, -100), y[2] = (hfy_real)0.75;
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
TEST(vjp_over_the_whole_range)
{
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
                for (i = 0; i < N; i++) u[i] = (hfy_real)hfy_rng_normal(&rng), v[i] = (hfy_real)hfy_rng_normal(&rng);
                CHECK(hfy_sep_apply(&sep, t, 1, N, y, NULL) == HFY_OK);
                grad.alpha = kind ? NULL : &got, grad.gamma = kind ? &got : NULL;
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
                    uv += (double)v[i] * (double)ju[i] / size, vu += (double)u[i] * (double)jv[i] / size;
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

/* random bounds around a third each, some of them 0, wide or equal */
static void bounds(hfy_rng *rng, size_t n, double total, double *lower, double *upper)
{
    double high = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        double u = hfy_rng_uniform(rng);
        lower[i] = u < 0.3 ? 0 : 0.5 * total / (double)n * hfy_rng_uniform(rng);
        upper[i] = lower[i] + (u > 0.9 ? 0 : u > 0.8 ? 5 : 3.0 * total / (double)n * hfy_rng_uniform(rng));
        high += upper[i];
    }
    if (high < total)
        for (i = 0; i < n; i++) upper[i] += (total - high) / (double)n * 1.5;
}

TEST(vjp_bounds)
{
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
        for (i = 0; i < N; i++) v[i] = (hfy_real)hfy_rng_normal(&rng), dl[i] = du[i] = 1e9;
        grad.theta = g, grad.lower = dl, grad.upper = du;
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

TEST(vjp_bounds_of_rows)
{
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
    sep.lower = lower, sep.upper = upper, sep.bound_stride = STRIDE;
    grad.lower = dl, grad.upper = du;
    CHECK(hfy_sep_apply(&sep, t, 2, N, y, NULL) == HFY_OK);
    CHECK(hfy_sep_vjp(&sep, t, y, v, 2, N, &grad, NULL) == HFY_OK);
    for (j = 0; j < 2; j++) {
        hfy_sep alone = sep;
        alone.lower = lower + j * STRIDE, alone.upper = upper + j * STRIDE, alone.bound_stride = 0;
        grad.lower = NULL, grad.upper = one;
        CHECK(hfy_sep_vjp(&alone, t + j * N, y + j * N, v + j * N, 1, N, &grad, NULL) == HFY_OK);
        for (i = 0; i < N; i++) CHECK_EQ(one[i], du[j * STRIDE + i]);
        for (i = N; i < STRIDE; i++)
            CHECK(du[j * STRIDE + i] > 41 && dl[j * STRIDE + i] > 41); /* the gap is left alone */
    }
    sep.lower = NULL, sep.bound_stride = 0; /* one row of bounds: summed over the rows */
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
static void brute_force(const wide *theta, size_t n, wide total, const double *lower, const double *upper, wide *best)
{
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

TEST(bounds_against_brute_force)
{
    hfy_rng rng = hfy_rng_seed(100);
    int trial;
    for (trial = 0; trial < 300; trial++) {
        double lower[6], upper[6], total = trial % 2 ? 0.3 + 2 * hfy_rng_uniform(&rng) : 1;
        hfy_sep sep = trial % 2 ? ksubsets(total) : sep_of(HFY_SEP_SPARSEMAX);
        size_t n = 3 + (size_t)(trial % 4), i;
        hfy_real t[6], y[6];
        wide w[6], want[6];
        bounds(&rng, n, total, lower, upper);
        sep.lower = lower, sep.upper = upper;
        scores(&rng, trial % 3 == 0 ? SHAPE_TIES : SHAPE_NORMAL, trial % 5 ? 0.5 : 3, n, t);
        widen(t, n, w);
        brute_force(w, n, (wide)total, lower, upper, want);
        CHECK(hfy_sep_apply(&sep, t, 1, n, y, NULL) == HFY_OK);
        for (i = 0; i < n; i++) CHECK_NEAR(y[i], (double)want[i], REAL_TOL(1));
        show(&sep, n, total);
    }
}

static int at_a_bound(double y, double bound)
{
    return !(y < (double)(hfy_real)bound) && !(y > (double)(hfy_real)bound);
}

TEST(bounds_against_bisection)
{
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

TEST(bounds_a_row_each)
{
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
    sep.lower = lower, sep.upper = upper, sep.bound_stride = STRIDE;
    CHECK(hfy_sep_apply(&sep, t, ROWS, N, y, NULL) == HFY_OK);
    for (j = 0; j < ROWS; j++) {
        alone = sep;
        alone.lower = lower + j * STRIDE, alone.upper = upper + j * STRIDE, alone.bound_stride = 0;
        CHECK(hfy_sep_apply(&alone, t + j * N, 1, N, one, NULL) == HFY_OK);
        CHECK(same_bits(one, y + j * N, sizeof one));
    }
}

TEST(bounds_that_cannot_be_met)
{
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

TEST(bounds_and_masks)
{
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

TEST(ksubsets_1_is_sparsemax)
{
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

TEST(ksubsets_of_all_is_ones)
{
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

/* --- sums of two --- */

TEST(plus_adds_predictions_and_conjugates)
{
    hfy_sep list[64];
    hfy_real t[20], a[20], b[20], c[20];
    hfy_rng rng = hfy_rng_seed(110);
    size_t count = all_seps(list), i, j;
    for (i = 0; i < count; i++) {
        hfy_sep second = list[(i * 7 + 3) % count], both = list[i];
        double first_conj, second_conj, conj;
        both.plus = &second;
        scores(&rng, SHAPE_NORMAL, 1, 20, t);
        CHECK(hfy_sep_apply(&list[i], t, 1, 20, a, NULL) == HFY_OK);
        CHECK(hfy_sep_apply(&second, t, 1, 20, b, NULL) == HFY_OK);
        CHECK(hfy_sep_apply(&both, t, 1, 20, c, NULL) == HFY_OK);
        for (j = 0; j < 20; j++) CHECK_NEAR(c[j], (double)a[j] + (double)b[j], REAL_TOL(1));
        CHECK(hfy_sep_conjugate(&list[i], t, 1, 20, &first_conj, NULL) == HFY_OK);
        CHECK(hfy_sep_conjugate(&second, t, 1, 20, &second_conj, NULL) == HFY_OK);
        CHECK(hfy_sep_conjugate(&both, t, 1, 20, &conj, NULL) == HFY_OK);
        CHECK_NEAR(conj, first_conj + second_conj, 1e-14);
        show(&both, 20, 1);
    }
}

TEST(plus_has_no_value_and_no_loss)
{
    hfy_sep second = sep_of(HFY_SEP_SOFTMAX), both = sep_of(HFY_SEP_SPARSEMAX);
    static const hfy_real t[] = {0, 1}, y[] = {1, 1};
    hfy_work work;
    double out = 7, alpha = 7;
    hfy_sep_grad grad;
    hfy_real p[2];
    memset(&work, 0, sizeof work);
    memset(&grad, 0, sizeof grad);
    both.plus = &second;
    CHECK_FAILS(hfy_sep_value(&both, y, 1, 2, &out, &work), HFY_ERR_UNSUPPORTED, &work, "plus");
    CHECK_FAILS(hfy_sep_loss(&both, t, y, 1, 2, &out, &work), HFY_ERR_UNSUPPORTED, &work, "plus");
    CHECK_EQ(out, 7);
    both = entmax(1.5);
    second = entmax(1.3);
    both.plus = &second;
    CHECK(hfy_sep_apply(&both, t, 1, 2, p, &work) == HFY_OK);
    grad.alpha = &alpha; /* a parameter gradient of a sum: of the first only, or refused; never silently of both */
    CHECK(hfy_sep_vjp(&both, t, p, t, 1, 2, &grad, &work) != HFY_ERR_ARG);
    hfy_work_free(&work);
}

/* --- bounds and k over the whole range of scores, rho and k --- */

/* The row is a projection if it is inside and no two entries would rather trade: entry i gives only if it can. */
static int is_projection(const hfy_sep *sep, const hfy_real *t, size_t n, const hfy_real *y)
{
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

TEST(bounds_of_any_size)
{
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
        if (trial % 4) sep.rho = rho, sep.k = (double)n * hfy_rng_uniform(&rng) + 1e-9;
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
        if (live && (sep.upper || sep.lower || sep.kind == HFY_SEP_KSUBSETS) &&
            (floor_sum > budget || cap_sum < budget)) {
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
TEST(gradients_of_bounds_of_any_size)
{
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
        sep.lower = low, sep.upper = high;
        for (i = 0; i < N; i++) {
            double s = (double)(hfy_rng_u64(&rng) % 129) / 64;
            t[i] = (hfy_real)s;
            far[i] = (hfy_real)((s + (sizeof(hfy_real) == 8 ? 1099511627776.0 : 4096)) * scale);
            v[i] = (hfy_real)hfy_rng_normal(&rng);
        }
        if (trial % 5 == 0) t[3] = far[3] = (hfy_real)-HUGE_VAL;
        for (side = 0; side < 2; side++) {
            sep.rho = side ? scale : 1;
            grad.theta = g[side], grad.lower = dl[side], grad.upper = du[side];
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
        sep.upper = high, grad.theta = g, grad.upper = du;
        CHECK(!hfy_sep_apply(&sep, t, 1, 4, y, NULL) && !hfy_sep_vjp(&sep, NULL, y, v, 1, 4, &grad, NULL));
        for (i = 0; i < 4; i++) {
            CHECK_EQ(g[i], 0);
            CHECK_EQ(du[i], i ? 0 : -2); /* v of the first less v of the free one */
        }
    }
}

/* Every k from the least that a number can hold: the weights sum to it, equal scores share it. */
TEST(ksubsets_of_any_k)
{
    const double least = REAL_MAX > 1e300 ? 1e-300 : 1e-37;
    hfy_rng rng = hfy_rng_seed(7003);
    hfy_real t[20], y[20];
    double k, omega;
    size_t i, trial;
    for (trial = 0; trial < 400; trial++) {
        hfy_sep sep = ksubsets(0);
        k = trial < 20 ? (double)(trial + 1) : pow(10, log10(least) * hfy_rng_uniform(&rng)) * (trial % 2 ? 1 : 20);
        if (trial == 20) k = least;
        sep.k = k, sep.rho = trial % 3 ? 1 : 0.01;
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

/* What hfy_sep_margin says of k: for whole k and for k below 1 a gap that is enough and no less is; in between two. */
TEST(margins_of_any_k)
{
    static const double ks[] = {1e-300, 1e-5, 0.25, 0.5, 1, 2, 3}, fractions[] = {0.125, 0.25, 0.5, 0.875};
    hfy_sep sep = ksubsets(1), sum = sep_of(HFY_SEP_SPARSEMAX);
    hfy_real t[5], y[5];
    size_t i, j, k;
    for (j = 0; j < sizeof ks / sizeof *ks; j++) {
        double rho = 0.5, m;
        sep.k = ks[j], sep.rho = rho;
        m = hfy_sep_margin(&sep);
        CHECK_EQ(m, ks[j] < 1 ? rho * ks[j] : rho);
        if (!((double)(hfy_real)ks[j] > 0) || ks[j] < 1e-30) continue;
        k = ks[j] < 1 ? 1 : (size_t)ks[j];
        for (i = 0; i < 5; i++) t[i] = i < k ? (hfy_real)(m * (1 + REAL_EPS)) : 0; /* rounds to m or just above */
        CHECK(!hfy_sep_apply(&sep, t, 1, 5, y, NULL));
        for (i = 0; i < 5; i++) CHECK_EQ(y[i], i < k ? (double)(hfy_real)(ks[j] < 1 ? ks[j] : 1) : 0);
        for (i = 0; i < k; i++) t[i] = (hfy_real)(m * 0.99);
        CHECK(!hfy_sep_apply(&sep, t, 1, 5, y, NULL) && y[4] > 0);
    }
    for (j = 0; j < sizeof fractions / sizeof *fractions; j++) { /* 1, 1, f, 0, 0 from gaps of rho (1-f) and rho f on */
        double f = fractions[j], rho = 0.5;
        int less;
        sep.k = 2 + f, sep.rho = rho;
        CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
        for (less = 0; less < 3; less++) {
            t[3] = t[4] = 0;
            t[2] = (hfy_real)(rho * f * (less == 1 ? 0.99 : 1));
            t[0] = t[1] = (hfy_real)((double)t[2] + rho * (1 - f) * (less == 2 ? 0.99 : 1));
            CHECK(!hfy_sep_apply(&sep, t, 1, 5, y, NULL));
            CHECK((y[0] >= 1 && y[1] >= 1 && !(y[3] > 0) && !(y[4] > 0)) == !less);
            if (!less) CHECK_NEAR(y[2], f, REAL_EPS);
        }
    }
    sum.plus = &sep; /* sparsemax and fractional k: none */
    CHECK_EQ(hfy_sep_margin(&sum), HUGE_VAL);
    sep.k = 0.25;
    CHECK_EQ(hfy_sep_margin(&sum), 1);
}

/* A k that a kind does not use is ignored, whatever stands there. */
TEST(k_of_others_is_ignored)
{
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
            net.keys = t, net.count = 4, net.dim = 1, net.sep = other;
            CHECK(!hfy_net_check(&net, &full, NULL));
            CHECK_EQ(full.sep.k, 1);
            CHECK(!hfy_retrieve(&net, t, 1, z, NULL, NULL));
        }
}

/* Values and losses keep their digits beside large scores: the entries above the edge have weight 1 in both. */
TEST(losses_beside_large_scores)
{
    static const double k_of[3] = {1, 2, 2.5};
    size_t i;
    for (i = 0; i < 3; i++) {
        hfy_sep sep = ksubsets(1 + k_of[i]), few = ksubsets(k_of[i]), top = argmax(3), less = argmax(2);
        hfy_real t[6] = {(hfy_real)1e30, (hfy_real)0.5, (hfy_real)0.25, (hfy_real)0.125, 0, (hfy_real)-1e30};
        hfy_real y[6] = {1, 1, 0, 0, 0, 0};
        double a, b;
        if (i) y[2] = 1;
        if (i > 1) y[4] = (hfy_real)0.5;
        CHECK(!hfy_sep_loss(&sep, t, y, 1, 6, &a, NULL) && !hfy_sep_loss(&few, t + 1, y + 1, 1, 4, &b, NULL));
        CHECK(b > 1e-3);
        CHECK_NEAR(a, b, 8 * REAL_EPS);
        if (i > 1) continue;
        y[1] = 0, y[2] = y[3] = 1;
        CHECK(!hfy_sep_loss(&top, t, y, 1, 6, &a, NULL) && !hfy_sep_loss(&less, t + 1, y + 1, 1, 4, &b, NULL));
        CHECK_NEAR(a, 0.375, 1e-15);
        CHECK_NEAR(b, 0.375, 1e-15);
    }
}

/* --- bad input --- */

/* all five functions refuse with this status and this word in the message */
static void refuse(hfy_sep sep, size_t n, hfy_status status, const char *word, const char *value)
{
    hfy_real t[] = {1, 0, (hfy_real)0.5, -1}, y[4], g[4];
    double out[4];
    hfy_sep_grad grad;
    hfy_work work;
    memset(&work, 0, sizeof work);
    memset(&grad, 0, sizeof grad);
    grad.theta = g;
    fill(y, 4, 7);
    fill(g, 4, 7);
    out[0] = 7;
    CHECK_FAILS(hfy_sep_apply(&sep, t, 1, n, y, &work), status, &work, word);
    CHECK_CONTAINS(work.message, value);
    CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, n, &grad, &work), status, &work, word);
    CHECK_FAILS(hfy_sep_value(&sep, t, 1, n, out, &work), status, &work, word);
    CHECK_FAILS(hfy_sep_conjugate(&sep, t, 1, n, out, &work), status, &work, word);
    CHECK_FAILS(hfy_sep_loss(&sep, t, t, 1, n, out, &work), status, &work, word);
    CHECK(all_are(y, 4, 7) && all_are(g, 4, 7) && all_are((hfy_real *)y, 4, 7));
    CHECK_EQ(out[0], 7);
    CHECK(hfy_sep_apply(&sep, t, 1, n, y, NULL) == status); /* without a work: the status only */
    CHECK_EQ(hfy_sep_margin(&sep), HUGE_VAL);
    hfy_work_free(&work);
}

TEST(alpha_out_of_range)
{
    refuse(entmax(-0.5), 4, HFY_ERR_ARG, "alpha", "-0.5");
    refuse(entmax(-HUGE_VAL), 4, HFY_ERR_ARG, "alpha", "-inf");
    refuse(entmax(HUGE_VAL - HUGE_VAL), 4, HFY_ERR_ARG, "alpha", "nan");
}
TEST(gamma_out_of_range)
{
    refuse(normmax(0.5), 4, HFY_ERR_ARG, "gamma", "0.5");
    refuse(normmax(-2), 4, HFY_ERR_ARG, "gamma", "-2");
    refuse(normmax(HUGE_VAL - HUGE_VAL), 4, HFY_ERR_ARG, "gamma", "nan");
}
TEST(degree_out_of_range)
{
    refuse(power(1), 4, HFY_ERR_ARG, "degree", "1");
    refuse(power(0.5), 4, HFY_ERR_ARG, "degree", "0.5");
    refuse(power(-3), 4, HFY_ERR_ARG, "degree", "-3");
    refuse(power(HUGE_VAL), 4, HFY_ERR_ARG, "degree", "inf");
    refuse(power(HUGE_VAL - HUGE_VAL), 4, HFY_ERR_ARG, "degree", "nan");
}
TEST(k_out_of_range)
{
    refuse(ksubsets(-1), 4, HFY_ERR_ARG, "k is -1", "");
    refuse(ksubsets(HUGE_VAL), 4, HFY_ERR_ARG, "k is inf", "");
    refuse(ksubsets(HUGE_VAL - HUGE_VAL), 4, HFY_ERR_ARG, "k is nan", "");
    refuse(argmax(-1), 4, HFY_ERR_ARG, "k is -1", "");
    refuse(argmax(1.5), 4, HFY_ERR_ARG, "k is 1.5", "");
}
TEST(k_above_n)
{
    hfy_sep list[2];
    static const hfy_real t[] = {1, 0, 3, -1};
    hfy_real y[4];
    hfy_work work;
    size_t c;
    memset(&work, 0, sizeof work);
    list[0] = ksubsets(4.5);
    list[1] = argmax(5);
    for (c = 0; c < 2; c++) {
        fill(y, 4, 7);
        CHECK_FAILS(hfy_sep_apply(&list[c], t, 1, 4, y, &work), HFY_ERR_ARG, &work, "k is");
        CHECK(all_are(y, 4, 7));
    }
    hfy_work_free(&work);
}
TEST(rho_out_of_range)
{
    hfy_sep sep = ksubsets(2);
    sep.rho = -1;
    refuse(sep, 4, HFY_ERR_ARG, "rho", "-1");
    sep.rho = HUGE_VAL;
    refuse(sep, 4, HFY_ERR_ARG, "rho", "inf");
    sep.rho = HUGE_VAL - HUGE_VAL;
    refuse(sep, 4, HFY_ERR_ARG, "rho", "nan");
}
TEST(kind_out_of_range)
{
    hfy_sep sep = sep_of(HFY_SEP_SOFTMAX);
    unsigned wrong = 99;
    memcpy(&sep.kind, &wrong, sizeof wrong);
    refuse(sep, 4, HFY_ERR_ARG, "kind", "99");
}
TEST(bounds_out_of_range)
{
    static const double low[] = {0, 0.75, 0, 0}, high[] = {1, 0.5, 1, 1};
    double with_nan[] = {1, HUGE_VAL - HUGE_VAL, 1, 1};
    hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
    sep.lower = low;
    sep.upper = high;
    refuse(sep, 4, HFY_ERR_ARG, "lower", "0.75");
    sep.lower = NULL;
    sep.upper = with_nan;
    refuse(sep, 4, HFY_ERR_ARG, "upper", "nan");
    sep.upper = NULL;
    sep.lower = with_nan;
    refuse(sep, 4, HFY_ERR_ARG, "lower", "nan");
    sep.lower = NULL;
    sep.upper = high;
    sep.bound_stride = 3;
    refuse(sep, 4, HFY_ERR_ARG, "bound_stride", "3");
}
TEST(a_bad_second_separation_is_refused)
{
    hfy_sep sep = sep_of(HFY_SEP_SOFTMAX), second = entmax(-2);
    static const hfy_real t[] = {1, 0};
    hfy_real y[2];
    hfy_work work;
    memset(&work, 0, sizeof work);
    sep.plus = &second;
    fill(y, 2, 7);
    CHECK_FAILS(hfy_sep_apply(&sep, t, 1, 2, y, &work), HFY_ERR_ARG, &work, "alpha");
    CHECK(all_are(y, 2, 7));
    hfy_work_free(&work);
}

TEST(null_and_empty)
{
    hfy_sep sep = sep_of(HFY_SEP_SPARSEMAX);
    hfy_real t[] = {1, 0}, y[] = {7, 7};
    double out = 7;
    hfy_sep_grad grad;
    hfy_work work;
    memset(&work, 0, sizeof work);
    memset(&grad, 0, sizeof grad);
    grad.theta = y;
    CHECK_FAILS(hfy_sep_apply(NULL, t, 1, 2, y, &work), HFY_ERR_ARG, &work, "sep");
    CHECK_FAILS(hfy_sep_apply(&sep, NULL, 1, 2, y, &work), HFY_ERR_ARG, &work, "theta");
    CHECK_FAILS(hfy_sep_apply(&sep, t, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "y");
    CHECK_FAILS(hfy_sep_apply(&sep, t, 1, 0, y, &work), HFY_ERR_ARG, &work, "n is 0");
    CHECK_FAILS(hfy_sep_vjp(&sep, t, NULL, t, 1, 2, &grad, &work), HFY_ERR_ARG, &work, "y");
    CHECK_FAILS(hfy_sep_vjp(&sep, t, t, NULL, 1, 2, &grad, &work), HFY_ERR_ARG, &work, "dy");
    CHECK_FAILS(hfy_sep_vjp(&sep, t, t, t, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "grad");
    CHECK_FAILS(hfy_sep_value(&sep, NULL, 1, 2, &out, &work), HFY_ERR_ARG, &work, "y");
    CHECK_FAILS(hfy_sep_value(&sep, t, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "omega");
    CHECK_FAILS(hfy_sep_conjugate(&sep, NULL, 1, 2, &out, &work), HFY_ERR_ARG, &work, "theta");
    CHECK_FAILS(hfy_sep_conjugate(&sep, t, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "omega_star");
    CHECK_FAILS(hfy_sep_loss(&sep, t, NULL, 1, 2, &out, &work), HFY_ERR_ARG, &work, "y");
    CHECK_FAILS(hfy_sep_loss(&sep, t, t, 1, 2, NULL, &work), HFY_ERR_ARG, &work, "loss");
    CHECK_FAILS(hfy_sep_value(&sep, t, 1, 0, &out, &work), HFY_ERR_ARG, &work, "n is 0");
    CHECK_FAILS(hfy_sep_apply(&sep, t, SIZE_MAX / 2, 2, y, &work), HFY_ERR_ARG, &work, "rows");
    CHECK(all_are(y, 2, 7));
    CHECK_EQ(out, 7);
    CHECK(hfy_sep_apply(&sep, t, 0, 2, y, &work) == HFY_OK); /* no rows: nothing to do */
    CHECK(hfy_sep_apply(&sep, NULL, 0, 2, NULL, &work) == HFY_OK);
    CHECK(all_are(y, 2, 7));
    hfy_work_free(&work);
}

TEST(vjp_theta_that_is_read)
{
    hfy_sep list[4];
    hfy_real y[] = {1, 0}, g[] = {7, 7};
    hfy_sep_grad grad;
    hfy_work work;
    size_t c;
    memset(&work, 0, sizeof work);
    memset(&grad, 0, sizeof grad);
    grad.theta = g;
    list[0] = power(3), list[1] = sep_of(HFY_SEP_IDENTITY), list[2] = normmax(100.5), list[3] = normmax(1e300);
    for (c = 0; c < 4; c++)
        CHECK_FAILS(hfy_sep_vjp(&list[c], NULL, y, y, 1, 2, &grad, &work), HFY_ERR_ARG, &work, "theta");
    CHECK(all_are(g, 2, 7));
    hfy_work_free(&work);
}

TEST(vjp_parameters_a_kind_has_not)
{
    hfy_real t[] = {1, 0}, y[] = {1, 0}, g[] = {7, 7};
    double out[2];
    hfy_sep sep = sep_of(HFY_SEP_SOFTMAX);
    hfy_sep_grad grad;
    hfy_work work;
    memset(&work, 0, sizeof work);
    memset(&grad, 0, sizeof grad);
    out[0] = out[1] = 7;
    grad.theta = g;
    grad.alpha = out;
    CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "alpha");
    sep = entmax(HUGE_VAL);
    CHECK(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work) == HFY_ERR_UNSUPPORTED);
    grad.alpha = NULL, grad.gamma = out;
    CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "gamma");
    sep = normmax(1);
    CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "gamma");
    sep = normmax(HUGE_VAL);
    CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "gamma");
    grad.gamma = NULL, grad.upper = out;
    sep = sep_of(HFY_SEP_SOFTMAX);
    CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "upper");
    grad.upper = NULL, grad.lower = out;
    CHECK_FAILS(hfy_sep_vjp(&sep, t, y, t, 1, 2, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "lower");
    CHECK(all_are(g, 2, 7));
    CHECK_EQ(out[0], 7);
    hfy_work_free(&work);
}

/* NaN, +infinity, all masked, too many masked: that row is untouched, the others are right, the first status returns */
TEST(bad_rows_among_good_ones)
{
    enum { N = 6, ROWS = 6 };
    hfy_sep list[64];
    hfy_rng rng = hfy_rng_seed(120);
    size_t count = all_seps(list), c, i, j;
    for (c = 0; c < count; c++) {
        hfy_real t[ROWS * N], y[ROWS * N], one[N], inf = (hfy_real)HUGE_VAL;
        double conj[ROWS], single;
        hfy_work work;
        memset(&work, 0, sizeof work);
        for (j = 0; j < ROWS; j++) scores(&rng, SHAPE_NORMAL, 1, N, t + j * N);
        t[1 * N + 2] = inf - inf;
        t[2 * N + 5] = inf;
        for (i = 0; i < N; i++) t[4 * N + i] = -inf;
        fill(y, ROWS * N, 7);
        for (j = 0; j < ROWS; j++) conj[j] = 7;
        CHECK_FAILS(hfy_sep_apply(&list[c], t, ROWS, N, y, &work), HFY_ERR_NONFINITE, &work, "row 1");
        CHECK_CONTAINS(work.message, "entry 2 is nan");
        CHECK(hfy_sep_conjugate(&list[c], t, ROWS, N, conj, &work) == HFY_ERR_NONFINITE);
        for (j = 0; j < ROWS; j++) {
            if (j == 1 || j == 2 || j == 4) {
                CHECK(all_are(y + j * N, N, 7));
                CHECK_EQ(conj[j], 7);
                continue;
            }
            CHECK(hfy_sep_apply(&list[c], t + j * N, 1, N, one, NULL) == HFY_OK);
            CHECK(same_bits(one, y + j * N, sizeof one));
            CHECK(hfy_sep_conjugate(&list[c], t + j * N, 1, N, &single, NULL) == HFY_OK);
            CHECK_EQ(conj[j], single);
        }
        CHECK_FAILS(hfy_sep_apply(&list[c], t + 2 * N, 3, N, y, &work), HFY_ERR_NONFINITE, &work, "entry 5 is inf");
        CHECK_FAILS(hfy_sep_apply(&list[c], t + 3 * N, 3, N, y, &work), HFY_ERR_ARG, &work, "mask");
        show(&list[c], N, 1);
        hfy_work_free(&work);
    }
}

TEST(k_above_the_unmasked)
{
    hfy_sep list[2];
    hfy_real inf = (hfy_real)HUGE_VAL, t[8], y[8];
    hfy_work work;
    size_t c, i;
    memset(&work, 0, sizeof work);
    list[0] = ksubsets(2.5);
    list[1] = argmax(3);
    for (c = 0; c < 2; c++) {
        for (i = 0; i < 8; i++) t[i] = (hfy_real)i;
        t[0] = t[3] = -inf;
        fill(y, 8, 7);
        CHECK_FAILS(hfy_sep_apply(&list[c], t, 2, 4, y, &work), HFY_ERR_ARG, &work, "row 0");
        CHECK(all_are(y, 4, 7));
        CHECK_NEAR((double)y[4] + (double)y[5] + (double)y[6] + (double)y[7], list[c].k, REAL_TOL(2));
    }
    hfy_work_free(&work);
}

TEST(weights_beyond_the_range)
{
    hfy_sep list[2];
    hfy_real t[6], y[6];
    hfy_work work;
    size_t c;
    memset(&work, 0, sizeof work);
    list[0] = sep_of(HFY_SEP_EXP);
    list[1] = power(9);
    for (c = 0; c < 2; c++) {
        t[0] = 1, t[1] = 2, t[2] = 0, t[4] = 1, t[5] = 1;
        t[3] = (hfy_real)(c ? 1e35 : sizeof(hfy_real) == 8 ? 709.9 : 88.8);
        if (c && sizeof(hfy_real) == 8) t[3] = (hfy_real)1e200;
        fill(y, 6, 7);
        CHECK(hfy_sep_apply(&list[c], t, 2, 3, y, &work) == HFY_ERR_UNSUPPORTED);
        CHECK(work.message[0] != 0);
        CHECK(all_are(y + 3, 3, 7));
        CHECK_NEAR(y[1], c ? 256 : exp(2.0), REAL_TOL(4));
    }
    hfy_work_free(&work);
}

TEST(value_of_nan_is_refused)
{
    hfy_sep list[64];
    size_t count = all_seps(list), c;
    hfy_real inf = (hfy_real)HUGE_VAL, y[] = {1, 0, 0, 0, 0, 0};
    double omega[2];
    y[4] = inf - inf;
    for (c = 0; c < count; c++) {
        if (list[c].kind == HFY_SEP_KSUBSETS || list[c].kind == HFY_SEP_ARGMAX) continue;
        omega[0] = omega[1] = 7;
        CHECK(hfy_sep_value(&list[c], y, 2, 3, omega, NULL) == HFY_ERR_NONFINITE);
        CHECK_EQ(omega[1], 7);
        CHECK(list[c].kind == HFY_SEP_UNIFORM || (omega[0] < 7 && omega[0] > -7));
        show(&list[c], 3, 1);
    }
}

TEST(nan_cotangents_are_carried_through)
{
    hfy_sep sep = sep_of(HFY_SEP_SOFTMAX);
    hfy_real inf = (hfy_real)HUGE_VAL, t[] = {1, 0, 0, 1, 0, 0}, y[6], v[] = {1, 0, 0, 1, 0, 0}, g[6];
    hfy_sep_grad grad;
    memset(&grad, 0, sizeof grad);
    grad.theta = g;
    v[1] = inf - inf;
    CHECK(hfy_sep_apply(&sep, t, 2, 3, y, NULL) == HFY_OK);
    CHECK(hfy_sep_vjp(&sep, t, y, v, 2, 3, &grad, NULL) == HFY_OK);
    CHECK(g[0] != g[0] || g[1] != g[1]);
    CHECK(oracle_finite(g[3]) && oracle_finite(g[4]) && oracle_finite(g[5]));
}

int main(int argc, char **argv)
{
    CHECK_BEGIN(argc, argv);
    RUN(row_softmax);
    RUN(row_softmax_is_entmax_1);
    RUN(row_entmax_1_3);
    RUN(row_entmax_1_5);
    RUN(row_sparsemax);
    RUN(row_sparsemax_is_entmax_2);
    RUN(row_entmax_2_5);
    RUN(row_entmax_4);
    RUN(row_entmax_0_5);
    RUN(row_normmax_1_5);
    RUN(row_normmax_1_5_wide);
    RUN(row_normmax_2);
    RUN(row_normmax_2_wide);
    RUN(row_normmax_5);
    RUN(row_normmax_5_wide);
    RUN(row_entmax_limits);
    RUN(row_normmax_limits);
    RUN(row_entmax_d_alpha);
    RUN(row_normmax_d_gamma);
    RUN(row_ksubsets_2);
    RUN(row_ksubsets_budgets);
    RUN(row_constrained_sparsemax);
    RUN(row_constrained_sparsemax_edges);
    RUN(row_two_bounds);
    RUN(row_argmax);
    RUN(row_identity);
    RUN(row_power);
    RUN(row_exp);
    RUN(row_masked);
    RUN(row_huge_and_ties);
    RUN(row_margins);
    RUN(row_digest_softmax);
    RUN(row_digest_entmax);
    RUN(row_digest_sparsemax);
    RUN(row_digest_normmax);
    RUN(row_digest_ksubsets);
    RUN(row_digest_wide_entmax);
    RUN(row_digest_wide_sparsemax);
    RUN(row_digest_wide_normmax);
    RUN(row_digest_wide_ksubsets);
    RUN(random_softmax);
    RUN(random_sparsemax);
    RUN(random_entmax_below_1);
    RUN(random_entmax_near_1);
    RUN(random_entmax_below_2);
    RUN(random_entmax_above_2);
    RUN(random_entmax_large);
    RUN(random_normmax_near_1);
    RUN(random_normmax);
    RUN(random_normmax_large);
    RUN(random_ksubsets);
    RUN(random_identity);
    RUN(random_power);
    RUN(random_exp);
    RUN(random_argmax);
    RUN(random_uniform);
    RUN(defaults_are_the_documented_ones);
    RUN(order_is_kept_and_ties_are_equal);
    RUN(permutation_of_scores_permutes_weights);
    RUN(shift_of_scores_changes_nothing);
    RUN(rows_of_a_batch_are_single_rows);
    RUN(in_place_is_out_of_place);
    RUN(the_input_is_left_alone);
    RUN(masked_scores_do_not_count);
    RUN(one_score_gets_everything);
    RUN(equal_scores_of_many_patterns_are_uniform);
    RUN(margin_values);
    RUN(margin_of_a_sum_is_the_larger);
    RUN(vertices_from_the_margin_on);
    RUN(alpha_is_continuous_across_1_and_1_5_and_2);
    RUN(gamma_is_continuous_across_2);
    RUN(alpha_from_5_on_is_exact);
    RUN(one_score_above_equal_ones);
    RUN(scores_near_a_million_keep_their_gaps);
    RUN(scores_at_the_ends_of_the_range);
    RUN(value_agrees_with_its_formula);
    RUN(value_outside_the_domain_is_infinite);
    RUN(conjugate_agrees_with_its_definition);
    RUN(conjugate_is_the_maximum);
    RUN(loss_is_not_negative_and_agrees);
    RUN(loss_is_exactly_0_at_the_prediction);
    RUN(loss_has_the_gradient_prediction_minus_target);
    RUN(loss_outside_the_domain_is_infinite);
    RUN(loss_of_large_scores_does_not_cancel);
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
    RUN(margins_of_any_k);
    RUN(k_of_others_is_ignored);
    RUN(losses_beside_large_scores);
    RUN(ksubsets_1_is_sparsemax);
    RUN(ksubsets_of_all_is_ones);
    RUN(plus_adds_predictions_and_conjugates);
    RUN(plus_has_no_value_and_no_loss);
    RUN(alpha_out_of_range);
    RUN(gamma_out_of_range);
    RUN(degree_out_of_range);
    RUN(k_out_of_range);
    RUN(k_above_n);
    RUN(rho_out_of_range);
    RUN(kind_out_of_range);
    RUN(bounds_out_of_range);
    RUN(a_bad_second_separation_is_refused);
    RUN(null_and_empty);
    RUN(vjp_theta_that_is_read);
    RUN(vjp_parameters_a_kind_has_not);
    RUN(bad_rows_among_good_ones);
    RUN(k_above_the_unmasked);
    RUN(weights_beyond_the_range);
    RUN(value_of_nan_is_refused);
    RUN(nan_cotangents_are_carried_through);
    return CHECK_END();
}
