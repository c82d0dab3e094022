/* test_net.c: the whole walk: reference trajectories, energies, every option of a net and every field of a report
   against the long double net of oracle.h, gradients through one and three updates, every status. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"
#include "oracle.h"
#include "targets.h"

#define MAX_N ORACLE_COUNT
#define MAX_D ORACLE_DIM
#define MAX_B ORACLE_QUERIES
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* A net with all its arrays. */
typedef struct fixture {
    hfy_net net;
    size_t B;
    hfy_real keys[MAX_N * MAX_D], values[MAX_N * MAX_D], readout[MAX_N * MAX_D], bias[MAX_B * MAX_N],
        self_coupling[MAX_D];
    hfy_real gain[MAX_D], delta[MAX_D], spd[MAX_D * MAX_D], matrix[MAX_D * MAX_D], queries[MAX_B * MAX_D];
    hfy_real out[MAX_B * MAX_D];
    size_t visible[MAX_B];
    double upper[MAX_B * MAX_N];
    hfy_sep more;
} fixture;

static void normals(hfy_rng *rng, hfy_real *x, size_t n, double scale)
{
    size_t i;
    for (i = 0; i < n; i++) x[i] = (hfy_real)(scale * hfy_rng_normal(rng));
}

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

static int same_bits(const void *a, const void *b, size_t bytes) { return memcmp(a, b, bytes) == 0; }

static hfy_real not_a_number(void)
{
    hfy_real inf = (hfy_real)HUGE_VAL;
    return inf - inf;
}

static void make(fixture *f, uint64_t seed, size_t N, size_t D, size_t B)
{
    hfy_rng rng = hfy_rng_seed(seed);
    size_t i, j, k;
    memset(f, 0, sizeof *f);
    normals(&rng, f->keys, N * D, 0.8);
    normals(&rng, f->values, N * D, 0.8);
    normals(&rng, f->readout, N * MAX_D, 1);
    normals(&rng, f->bias, MAX_B * N, 0.3);
    normals(&rng, f->queries, B * D, 0.8);
    normals(&rng, f->delta, D, 0.2);
    normals(&rng, f->matrix, D * D, 0.6);
    for (i = 0; i < D; i++) f->self_coupling[i] = (hfy_real)(0.2 * hfy_rng_uniform(&rng));
    for (i = 0; i < D; i++) f->gain[i] = (hfy_real)(0.5 + hfy_rng_uniform(&rng));
    for (i = 0; i < D; i++)
        for (j = 0; j < D; j++) {
            double sum = i == j ? 0.5 : 0;
            for (k = 0; k < D; k++) sum += 0.3 * (double)f->matrix[i * D + k] * (double)f->matrix[j * D + k];
            f->spd[i * D + j] = (hfy_real)sum;
        }
    for (i = 0; i < MAX_B * N; i++) f->upper[i] = 0.3 + 0.4 * hfy_rng_uniform(&rng);
    for (i = 0; i < B; i++) f->visible[i] = 1 + (size_t)(hfy_rng_u64(&rng) % N);
    f->B = B;
    f->net.dim = D;
    f->net.count = N;
    f->net.keys = f->keys;
}

enum { SEPS = 19 };
static const char *use_sep(fixture *f, int which)
{
    hfy_sep *sep = &f->net.sep;
    memset(sep, 0, sizeof *sep);
    memset(&f->more, 0, sizeof f->more);
    f->more.kind = HFY_SEP_SPARSEMAX;
    switch (which) {
    case 0: return "softmax";
    case 1: return sep->kind = HFY_SEP_SPARSEMAX, "sparsemax";
    case 2: return sep->kind = HFY_SEP_SPARSEMAX, sep->upper = f->upper, "sparsemax with bounds";
    case 3: return sep->kind = HFY_SEP_ENTMAX, sep->alpha = 0.7, "entmax .7";
    case 4: return sep->kind = HFY_SEP_ENTMAX, sep->alpha = 1, "entmax 1";
    case 5: return sep->kind = HFY_SEP_ENTMAX, sep->alpha = 1.3, "entmax 1.3";
    case 6: return sep->kind = HFY_SEP_ENTMAX, "entmax 1.5";
    case 7: return sep->kind = HFY_SEP_ENTMAX, sep->alpha = 2.5, "entmax 2.5";
    case 8: return sep->kind = HFY_SEP_NORMMAX, sep->gamma = 1.5, "normmax 1.5";
    case 9: return sep->kind = HFY_SEP_NORMMAX, "normmax 2";
    case 10: return sep->kind = HFY_SEP_NORMMAX, sep->gamma = 4, "normmax 4";
    case 11: return sep->kind = HFY_SEP_KSUBSETS, sep->k = 2, sep->rho = 0.5, "2-subsets";
    case 12: return sep->kind = HFY_SEP_KSUBSETS, sep->k = 1.5, "1.5-subsets";
    case 13: return sep->kind = HFY_SEP_SOFTMAX, sep->plus = &f->more, "softmax + sparsemax";
    case 14: return sep->kind = HFY_SEP_IDENTITY, "identity";
    case 15: return sep->kind = HFY_SEP_POWER, "power 3";
    case 16: return sep->kind = HFY_SEP_EXP, "exp";
    case 17: return sep->kind = HFY_SEP_ARGMAX, sep->k = 2, "top 2";
    default: return sep->kind = HFY_SEP_NORMMAX, sep->gamma = HUGE_VAL, "normmax inf";
    }
}
static int sep_is_unbounded(int which) { return which >= 14 && which <= 16; }

enum { POSTS = 12 };
static const char *use_post(fixture *f, int which)
{
    hfy_post *post = &f->net.post;
    memset(post, 0, sizeof *post);
    switch (which) {
    case 0: return "none";
    case 1: return post->kind = HFY_POST_TANH, post->beta = 0.7, "tanh";
    case 2: return post->kind = HFY_POST_SIGN, "sign";
    case 3: return post->kind = HFY_POST_L2, post->radius = 1.5, "l2";
    case 4: return post->kind = HFY_POST_L2, post->eps = 0.1, "l2 eps";
    case 5: return post->kind = HFY_POST_LAYERNORM, post->eta = 0.8, post->delta = f->delta, "layernorm";
    case 6: return post->kind = HFY_POST_LAYERNORM, post->eps = 0.1, post->dof_minus = 1, "layernorm unbiased eps";
    case 7: return post->kind = HFY_POST_LINEAR, post->matrix = f->spd, "linear spd";
    case 8: return post->kind = HFY_POST_RECTIFIED_POWER, post->power = 1.5, post->theta = -0.2, "rectified power";
    /* those below have no energy */
    case 9:
        return post->kind = HFY_POST_LAYERNORM, post->gain = f->gain, post->delta = f->delta, post->eps = 0.01,
               "layernorm gain";
    case 10: return post->kind = HFY_POST_LINEAR, post->matrix = f->matrix, "linear";
    default:
        return post->kind = HFY_POST_RECTIFIED_POWER, post->power = 1.2, post->sigma = 0.5, post->theta = 0.1,
               "smooth rectifier";
    }
}
static int post_has_energy(int which) { return which < 9; }
static int post_is_bounded(int which) { return (which >= 1 && which <= 6) || which == 9; }

/* softmax and exp keep running sums unless whole rows of weights are asked for: then answers agree up to rounding */
static int runs_sums(int which) { return which == 0 || which == 4 || which == 16; }

/* equal to the bit, or, if `ulps` is not 0, within so many */
static int agree(const hfy_real *a, const hfy_real *b, size_t n, double ulps)
{
    size_t i;
    if (!(ulps > 0)) return same_bits(a, b, n * sizeof *a);
    for (i = 0; i < n && fabs((double)a[i] - (double)b[i]) <= ulps * REAL_EPS * (1 + fabs((double)a[i]));) i++;
    return i == n;
}

static void show(const char *sep, const char *post, int more)
{
    static int seen;
    if (check_errors < seen) seen = 0;
    if (check_errors > seen && seen < 5) printf("      (%s / %s / %d)\n", sep, post, more);
    seen = check_errors;
}

/* --- reference rows --- */

/* X and q0 of rows T057 to T076 */
static void reference(fixture *f, double *x, double *q0)
{
    hfy_rng rng = hfy_rng_seed(1);
    size_t i;
    memset(f, 0, sizeof *f);
    for (i = 0; i < 15; i++) f->keys[i] = (hfy_real)(x[i] = hfy_rng_normal(&rng));
    for (i = 0; i < 3; i++) f->queries[i] = (hfy_real)(q0[i] = hfy_rng_normal(&rng));
    f->net.dim = 3, f->net.count = 5, f->net.keys = f->keys, f->net.beta = 1.3, f->B = 1;
}

TEST(row_patterns)
{
    fixture f;
    double x[15], q0[3];
    size_t i;
    reference(&f, x, q0);
    for (i = 0; i < 15; i++) CHECK_NEAR(x[i], t057_x[i], 1e-14);
    for (i = 0; i < 3; i++) CHECK_NEAR(q0[i], t057_q0[i], 1e-14);
}

/* E_0 .. E_6 with the Eq-20 constant, and q_6 */
static void trajectory(hfy_sep sep, hfy_post post, double beta, const double *E, const double *q6)
{
    fixture f;
    double x[15], q0[3], energy[7], constant, tol = sizeof(hfy_real) == 8 ? 1e-9 : 4e-6;
    hfy_report report;
    size_t i, steps;
    memset(&report, 0, sizeof report);
    reference(&f, x, q0);
    f.net.sep = sep, f.net.post = post, f.net.beta = beta, f.net.max_steps = 6;
    if (post.kind == HFY_POST_TANH)
        for (i = 0; i < 3; i++)
            f.queries[i] = (hfy_real)(0.5 * q0[i] > 0.9 ? 0.9 : 0.5 * q0[i] < -0.9 ? -0.9 : 0.5 * q0[i]);
    else
        CHECK(hfy_post_apply(&post, f.queries, NULL, 1, 3, f.queries, NULL) == HFY_OK);
    report.energy = energy, report.steps = &steps;
    CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
    CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, NULL) == HFY_OK);
    CHECK(steps >= 2 && steps <= 6);
    for (i = 0; i < 7; i++) CHECK_NEAR(energy[i] + constant, E[i], tol);
    for (i = 0; i < 3; i++) CHECK_NEAR(f.out[i], q6[i], tol);
    for (i = 1; i < 7; i++) CHECK(energy[i] <= energy[i - 1] + (sizeof(hfy_real) == 8 ? 1e-12 : 1e-5));
}

static hfy_sep sep_of(hfy_sep_kind kind, double parameter)
{
    hfy_sep sep;
    memset(&sep, 0, sizeof sep);
    sep.kind = kind;
    sep.alpha = sep.gamma = sep.degree = sep.k = parameter;
    return sep;
}

static hfy_post post_of(hfy_post_kind kind)
{
    hfy_post post;
    memset(&post, 0, sizeof post);
    post.kind = kind;
    return post;
}

TEST(row_softmax) { trajectory(sep_of(HFY_SEP_SOFTMAX, 0), post_of(HFY_POST_NONE), 1.3, t058_e, t058_q6); }
TEST(row_entmax) { trajectory(sep_of(HFY_SEP_ENTMAX, 1.5), post_of(HFY_POST_NONE), 1.3, t059_e, t059_q6); }
TEST(row_sparsemax) { trajectory(sep_of(HFY_SEP_SPARSEMAX, 0), post_of(HFY_POST_NONE), 1.3, t060_e, t060_q6); }
TEST(row_normmax_2) { trajectory(sep_of(HFY_SEP_NORMMAX, 2), post_of(HFY_POST_NONE), 1.3, t061_e, t061_q6); }
TEST(row_normmax_5) { trajectory(sep_of(HFY_SEP_NORMMAX, 5), post_of(HFY_POST_NONE), 1.3, t062_e, t062_q6); }
TEST(row_ksubsets) { trajectory(sep_of(HFY_SEP_KSUBSETS, 2), post_of(HFY_POST_NONE), 1.3, t063_e, t063_q6); }
TEST(row_l2)
{
    hfy_post post = post_of(HFY_POST_L2);
    post.radius = 1.5;
    trajectory(sep_of(HFY_SEP_SPARSEMAX, 0), post, 1.3, t064_e, t064_q6);
}
TEST(row_layernorm)
{
    hfy_post post = post_of(HFY_POST_LAYERNORM);
    post.eps = 0.1;
    trajectory(sep_of(HFY_SEP_SOFTMAX, 0), post, 1.3, t065_e, t065_q6);
}
TEST(row_tanh_memories)
{
    hfy_post post = post_of(HFY_POST_TANH);
    post.beta = 0.7;
    trajectory(sep_of(HFY_SEP_IDENTITY, 0), post, 1, t066_e, t066_q6);
    trajectory(sep_of(HFY_SEP_POWER, 3), post, 0, t067_e, t067_q6); /* beta 0: 1 for these */
    trajectory(sep_of(HFY_SEP_EXP, 0), post, 0, t068_e, t068_q6);
}

TEST(row_sum_of_energies)
{
    fixture f;
    double x[15], q0[3], energy[7], tol = sizeof(hfy_real) == 8 ? 1e-9 : 4e-6;
    hfy_sep more = sep_of(HFY_SEP_SPARSEMAX, 0);
    hfy_real half[9] = {(hfy_real)0.5, 0, 0, 0, (hfy_real)0.5, 0, 0, 0, (hfy_real)0.5};
    hfy_report report;
    size_t i;
    memset(&report, 0, sizeof report);
    reference(&f, x, q0);
    f.net.sep.plus = &more;
    f.net.post = post_of(HFY_POST_LINEAR);
    f.net.post.matrix = half;
    f.net.max_steps = 6;
    report.energy = energy;
    CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
    for (i = 0; i < 6; i++) CHECK_NEAR(energy[i], t069_e[i], tol);
    for (i = 0; i < 3; i++) CHECK_NEAR(f.out[i], t069_q6[i], tol);
}

TEST(row_exp_memory_without_overflow)
{
    fixture f;
    double x[15], q0[3];
    hfy_real weights[5];
    hfy_report report;
    size_t i;
    memset(&report, 0, sizeof report);
    report.weights = weights;
    reference(&f, x, q0);
    f.net.sep = sep_of(HFY_SEP_EXP, 0), f.net.post = post_of(HFY_POST_TANH), f.net.post.beta = 0.7, f.net.beta = 0;
    for (i = 0; i < 3; i++) f.queries[i] = (hfy_real)(0.5 * q0[i]);
    CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, NULL, NULL) == HFY_OK);
    for (i = 0; i < 3; i++) CHECK_NEAR(f.out[i], t070_small[i], REAL_TOL(16));
    for (i = 0; i < 3; i++) f.queries[i] = (hfy_real)(2000 * q0[i]);
    CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
    for (i = 0; i < 3; i++) CHECK_EQ(f.out[i], t070_huge[i]);
    CHECK_EQ(weights[0], HUGE_VAL); /* e^4400 */
    CHECK_EQ(weights[2], 0);
}

TEST(row_bounds_of_proposition_7)
{
    fixture f;
    double x[15], q0[3], energy, constant, tol = sizeof(hfy_real) == 8 ? 1e-9 : 4e-6, M = 0;
    const double *want[4] = {t071_softmax, t071_e15, t071_sp, t071_nm2};
    hfy_sep list[4], soft = sep_of(HFY_SEP_SOFTMAX, 0);
    hfy_real p[5], t[5], u[5];
    size_t i, c;
    reference(&f, x, q0);
    for (i = 0; i < 5; i++) {
        double square = x[i * 3] * x[i * 3] + x[i * 3 + 1] * x[i * 3 + 1] + x[i * 3 + 2] * x[i * 3 + 2];
        if (square > M) M = square;
        t[i] = (hfy_real)F2[i], u[i] = (hfy_real)0.2;
    }
    CHECK(hfy_sep_apply(&soft, t, 1, 5, p, NULL) == HFY_OK);
    for (i = 0; i < 3; i++) {
        double sum = 0;
        for (c = 0; c < 5; c++) sum += x[c * 3 + i] * (double)p[c];
        f.queries[i] = (hfy_real)sum;
    }
    list[0] = soft, list[1] = sep_of(HFY_SEP_ENTMAX, 1.5), list[2] = sep_of(HFY_SEP_SPARSEMAX, 0);
    list[3] = sep_of(HFY_SEP_NORMMAX, 2);
    for (c = 0; c < 4; c++) {
        double omega;
        f.net.sep = list[c];
        CHECK(hfy_energy(&f.net, f.queries, 1, &energy, NULL) == HFY_OK);
        CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, NULL) == HFY_OK);
        CHECK(hfy_sep_value(&list[c], u, 1, 5, &omega, NULL) == HFY_OK);
        CHECK_NEAR(energy + constant, want[c][0], tol);
        CHECK_NEAR(-omega / 1.3 + M / 2, want[c][1], tol);
    }
}

TEST(row_energy_constants)
{
    fixture f;
    double x[15], q0[3], energy, constant, tol = sizeof(hfy_real) == 8 ? 1e-10 : 4e-6;
    reference(&f, x, q0);
    f.net.sep = sep_of(HFY_SEP_ENTMAX, 1.5);
    CHECK(hfy_energy(&f.net, f.queries, 1, &energy, NULL) == HFY_OK);
    CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_RAW, &constant, NULL) == HFY_OK);
    CHECK_EQ(constant, 0);
    CHECK_NEAR(energy, t072_e[0], tol);
    CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, NULL) == HFY_OK);
    CHECK_NEAR(energy + constant, t072_e[1], tol);
    CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_FY, &constant, NULL) == HFY_OK);
    CHECK_NEAR(energy + constant, t072_e[2], tol);
}

static void reverse(hfy_sep sep, hfy_post post, double beta, const double *gq, const double *gb, const double *gx)
{
    static const hfy_real dout[3] = {(hfy_real)0.5, -1, (hfy_real)0.25};
    fixture f;
    double x[15], q0[3], got_b = 0, tol = sizeof(hfy_real) == 8 ? 1e-10 : 4e-6;
    hfy_real got_q[3] = {0, 0, 0}, got_x[15];
    hfy_grad grad;
    size_t i;
    memset(&grad, 0, sizeof grad);
    fill(got_x, 15, 0);
    reference(&f, x, q0);
    f.net.sep = sep, f.net.post = post, f.net.beta = beta;
    grad.queries = got_q, grad.keys = got_x, grad.beta = &got_b;
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 1, dout, &grad, NULL) == HFY_OK);
    for (i = 0; i < 3; i++) CHECK_NEAR(got_q[i], gq[i], tol);
    for (i = 0; i < 15; i++) CHECK_NEAR(got_x[i], gx[i], tol);
    CHECK_NEAR(got_b, *gb, tol);
}

TEST(row_reverse_softmax)
{
    reverse(sep_of(HFY_SEP_SOFTMAX, 0), post_of(HFY_POST_NONE), 0.6, t073_gq, t073_gbeta, t073_gx);
}
TEST(row_reverse_entmax_l2)
{
    hfy_post post = post_of(HFY_POST_L2);
    post.radius = 1.5;
    reverse(sep_of(HFY_SEP_ENTMAX, 1.5), post, 0.6, t074_gq, t074_gbeta, t074_gx);
}
TEST(row_reverse_normmax_layernorm)
{
    hfy_post post = post_of(HFY_POST_LAYERNORM);
    post.eps = 1e-3;
    reverse(sep_of(HFY_SEP_NORMMAX, 3), post, 0.6, t075_gq, t075_gbeta, t075_gx);
}
TEST(row_reverse_ksubsets_tanh)
{
    hfy_post post = post_of(HFY_POST_TANH);
    post.beta = 0.7;
    reverse(sep_of(HFY_SEP_KSUBSETS, 2), post, 0.2, t076_gq, t076_gbeta, t076_gx);
}

TEST(row_fixed_point_without_margin)
{
    hfy_real keys[6] = {1, 0, 0, 0, 0, 0}, out[2], p[3];
    hfy_net net;
    hfy_report report;
    size_t i;
    memset(&net, 0, sizeof net);
    memset(&report, 0, sizeof report);
    keys[2] = keys[4] = (hfy_real)cos(0.6);
    keys[3] = (hfy_real)sin(0.6);
    keys[5] = -keys[3];
    net.dim = 2, net.count = 3, net.keys = keys, net.beta = 1;
    net.sep.kind = HFY_SEP_SPARSEMAX;
    net.post.kind = HFY_POST_L2;
    report.weights = p;
    CHECK(hfy_retrieve(&net, keys, 1, out, &report, NULL) == HFY_OK);
    for (i = 0; i < 3; i++) CHECK_NEAR(p[i], t082_p[i], REAL_TOL(4));
    CHECK_NEAR(out[0], 1, REAL_TOL(1));
    CHECK_NEAR(out[1], 0, REAL_TOL(1));
}

TEST(row_forgetting_through_the_bias)
{
    fixture f;
    double x[15], q0[3], energy, constant, tol = sizeof(hfy_real) == 8 ? 1e-12 : 4e-6;
    hfy_real p[5];
    hfy_report report;
    size_t i, four = 4;
    memset(&report, 0, sizeof report);
    reference(&f, x, q0);
    report.weights = p;
    for (i = 0; i < 4; i++) f.bias[i] = (hfy_real)(-0.25 * (double)(3 - i));
    f.bias[4] = 9;
    f.net.bias = f.bias;
    f.net.visible = &four; /* causal: the fifth pattern is not there yet */
    CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
    for (i = 0; i < 4; i++) CHECK_NEAR(p[i], t103_p[i], tol);
    CHECK_EQ(p[4], 0);
    for (i = 0; i < 3; i++) CHECK_NEAR(f.out[i], t103_q[i], tol);
    f.net.visible = NULL;
    f.net.count = 4;
    CHECK(hfy_energy(&f.net, f.queries, 1, &energy, NULL) == HFY_OK);
    CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, NULL) == HFY_OK);
    CHECK_NEAR(energy + constant, t103_e[0], tol);
}

TEST(row_classical_network)
{
    static hfy_real b[14 * 24], q[24];
    hfy_rng rng = hfy_rng_seed(9);
    hfy_net net;
    size_t i, d;
    memset(&net, 0, sizeof net);
    for (i = 0; i < 14 * 24; i++) b[i] = (hfy_real)hfy_rng_sign(&rng);
    for (d = 0; d < 24; d++) q[d] = d < 5 ? -b[d] : b[d];
    net.dim = 24, net.count = 14, net.keys = b, net.max_steps = 3;
    net.sep.kind = HFY_SEP_IDENTITY;
    net.post.kind = HFY_POST_SIGN;
    CHECK(hfy_retrieve(&net, q, 1, q, NULL, NULL) == HFY_OK);
    for (i = 0; i < 14; i++) {
        double overlap = 0;
        for (d = 0; d < 24; d++) overlap += (double)q[d] * (double)b[i * 24 + d];
        CHECK_EQ(overlap, t113_ov[i]);
    }
}

/* --- against the long double net --- */

/* How much the exact answer moves when every input moves by its last bit: what rounding can do to query j. */
static double sensitivity(const oracle_memory *m, size_t j, size_t steps, const wide *out, size_t width, int *jumps)
{
    static oracle_memory moved;
    static wide states[8 * MAX_D], p[MAX_N], other[MAX_D];
    hfy_rng rng = hfy_rng_seed(99);
    double most = 0;
    unsigned long here;
    size_t i, t, N = m->net.count, D = m->net.dim;
    oracle_signature = 0;
    oracle_retrieve(m, j, steps, states, p, other);
    here = oracle_signature;
    *jumps = 0;
    for (t = 0; t < 3; t++) {
        moved = *m;
        for (i = 0; i < N * D; i++) moved.keys[i] *= 1 + REAL_EPS * hfy_rng_sign(&rng);
        for (i = 0; i < N * D; i++)
            moved.values[i] = m->net.values ? m->values[i] * (1 + REAL_EPS * hfy_rng_sign(&rng)) : moved.keys[i];
        for (i = 0; i < m->n_queries * D; i++) moved.queries[i] += REAL_EPS * hfy_rng_sign(&rng);
        oracle_signature = 0;
        oracle_retrieve(&moved, j, steps, states, p, other);
        if (oracle_signature != here) *jumps = 1;
        for (i = 0; i < width; i++)
            if (fabs((double)(other[i] - out[i])) > most) most = fabs((double)(other[i] - out[i]));
    }
    return most;
}

/* Retrieves with the library and with the oracle; as many steps as the library says that it made. Returns the queries
   compared (those whose answer does not hang on a tie). */
static size_t compare(fixture *f, const char *sep, const char *post, int more)
{
    static oracle_memory m;
    static wide states[8 * MAX_D], p[MAX_N], want[MAX_D];
    static hfy_real weights[MAX_B * MAX_N];
    size_t steps[MAX_B], j, i, compared = 0, width = f->net.readout ? f->net.readout_dim : f->net.dim;
    hfy_report report;
    memset(&report, 0, sizeof report);
    report.steps = steps, report.weights = weights;
    fill(f->out, f->B * width, 77);
    CHECK(hfy_retrieve(&f->net, f->queries, f->B, f->out, &report, NULL) == HFY_OK);
    oracle_load(&m, &f->net, f->queries, f->B);
    for (j = 0; j < f->B; j++) {
        double noise, size = 1;
        int jumps;
        CHECK(steps[j] >= 1 && steps[j] <= m.net.max_steps);
        oracle_retrieve(&m, j, steps[j], states, p, want);
        for (i = 0; i < width; i++) size = fabs((double)want[i]) > size ? fabs((double)want[i]) : size;
        noise = sensitivity(&m, j, steps[j], want, width, &jumps);
        oracle_retrieve(&m, j, steps[j], states, p, want);
        if (jumps || size > 1e6) continue;
        compared++;
        for (i = 0; i < width; i++)
            CHECK_NEAR(((double)f->out[j * width + i] - (double)want[i]) / size, 0, 16 * REAL_EPS + 16 * noise / size);
        for (i = 0; i < f->net.count; i++) {
            double w = (double)p[i], scale = fabs(w) > 1 ? fabs(w) : 1;
            CHECK_NEAR(((double)weights[j * f->net.count + i] - w) / scale, 0, 1e3 * REAL_EPS + 100 * noise);
        }
    }
    show(sep, post, more);
    return compared;
}

static void compare_all(hfy_sim sim, size_t steps)
{
    fixture f;
    size_t compared = 0, total = 0;
    int s, p;
    for (s = 0; s < SEPS; s++)
        for (p = 0; p < POSTS; p++) {
            const char *sep, *post;
            if (sep_is_unbounded(s) && !post_is_bounded(p) && steps > 1) continue; /* grows without bound */
            make(&f, (uint64_t)(1000 + s * 50 + p), 6, 4, 3);
            sep = use_sep(&f, s);
            post = use_post(&f, p);
            f.net.sim = sim, f.net.beta = 1.1, f.net.max_steps = steps;
            compared += compare(&f, sep, post, (int)sim);
            total += f.B;
        }
    CHECK(compared > total * 9 / 10);
}

TEST(dot_one_step) { compare_all(HFY_SIM_DOT, 1); }
TEST(cosine_one_step) { compare_all(HFY_SIM_COSINE, 1); }
TEST(euclidean_one_step) { compare_all(HFY_SIM_EUCLIDEAN, 1); }
TEST(manhattan_one_step) { compare_all(HFY_SIM_MANHATTAN, 1); }
TEST(dot_four_steps) { compare_all(HFY_SIM_DOT, 4); }
TEST(cosine_four_steps) { compare_all(HFY_SIM_COSINE, 4); }
TEST(euclidean_four_steps) { compare_all(HFY_SIM_EUCLIDEAN, 4); }
TEST(manhattan_four_steps) { compare_all(HFY_SIM_MANHATTAN, 4); }

/* every option alone and in random company */
static void with_options(fixture *f, unsigned options)
{
    hfy_net *net = &f->net;
    if (options & 1) net->values = f->values;
    if (options & 2) net->readout = f->readout, net->readout_dim = 3;
    if (options & 4) net->self_coupling = f->self_coupling;
    if (options & 8) net->bias = f->bias;
    if (options & 16) net->bias = f->bias, net->bias_stride = net->count;
    if (options & 32) net->visible = f->visible;
    if (options & 64) net->step = 0.6;
    if (options & 128) net->tol = 0.05;
    if (options & 256) net->sep.bound_stride = net->sep.upper ? net->count : 0;
}

TEST(every_option_alone)
{
    fixture f;
    unsigned bit;
    size_t compared = 0;
    int s;
    for (bit = 1; bit <= 256; bit *= 2)
        for (s = 0; s < 14; s++) {
            const char *sep;
            make(&f, 2000 + bit + (uint64_t)s, 7, 5, 4);
            sep = use_sep(&f, s);
            if (bit == 32) {
                size_t j;
                if (s == 2 || s == 11 || s == 12) continue; /* too few patterns for their sums */
                for (j = 0; j < 4; j++) f.visible[j] = 2 + j;
            }
            f.net.max_steps = 3, f.net.beta = 1;
            with_options(&f, bit);
            compared += compare(&f, sep, "none", (int)bit);
        }
    CHECK(compared > 440);
}

TEST(options_in_company)
{
    fixture f;
    hfy_rng rng = hfy_rng_seed(77);
    size_t compared = 0;
    int trial;
    for (trial = 0; trial < 150; trial++) {
        const char *sep, *post;
        unsigned options = (unsigned)(hfy_rng_u64(&rng) >> 40) & 511;
        int s = (int)(hfy_rng_u64(&rng) % 14), p = (int)(hfy_rng_u64(&rng) % POSTS);
        make(&f, 3000 + (uint64_t)trial, 7, 5, 3);
        sep = use_sep(&f, s);
        post = use_post(&f, p);
        if (s == 2 || s == 11 || s == 12) options &= ~32u;
        f.net.sim = (hfy_sim)(hfy_rng_u64(&rng) % 4);
        f.net.max_steps = 1 + (size_t)(hfy_rng_u64(&rng) % 4);
        with_options(&f, options);
        compared += compare(&f, sep, post, (int)options);
    }
    CHECK(compared > 400);
}

TEST(larger_nets)
{
    fixture f;
    size_t compared = 0;
    int s;
    for (s = 0; s < 14; s++) {
        const char *sep;
        make(&f, 4000 + (uint64_t)s, 40, 37, 3);
        sep = use_sep(&f, s);
        f.net.max_steps = 2;
        f.net.values = f.values;
        compared += compare(&f, sep, "none", 0);
    }
    CHECK(compared >= 40);
}

/* --- bits --- */

static void everything(hfy_report *r, hfy_status *status, size_t *whole, double *numbers, hfy_real *reals, size_t B,
                       size_t N, size_t T, size_t top)
{
    memset(r, 0, sizeof *r);
    r->status = status;
    r->best = whole, r->support = whole + B, r->steps = whole + 2 * B, r->top_index = whole + 3 * B;
    r->residual = numbers, r->energy = numbers + B;
    r->top = top;
    r->top_weight = reals, r->weights = reals + B * top;
    (void)N, (void)T;
}

TEST(batch_is_single_queries_to_the_bit)
{
    enum { N = 9, D = 7, B = 6, T = 4, TOP = 3 };
    fixture f;
    int s, p;
    for (s = 0; s < SEPS; s++)
        for (p = 0; p < POSTS; p += 1 + (s % 3)) {
            hfy_status status[B], one_status;
            size_t whole[B * (3 + TOP)], one_whole[3 + TOP], j, width = D;
            double numbers[B * (T + 2)], one_numbers[T + 2];
            hfy_real reals[B * (TOP + N)], one_reals[TOP + N], one[MAX_D];
            hfy_report all, single;
            const char *sep, *post;
            int energy;
            if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
            make(&f, (uint64_t)(5000 + 20 * s + p), N, D, B);
            sep = use_sep(&f, s);
            post = use_post(&f, p);
            f.net.max_steps = T;
            f.net.beta = 1.4;
            if (s % 4 == 1) f.net.bias = f.bias, f.net.bias_stride = N;
            if (s % 4 == 2) f.net.readout = f.readout, f.net.readout_dim = width = 5;
            if (p % 5 == 4) f.net.sim = (hfy_sim)(s % 4);
            energy = post_has_energy(p) && f.net.sim == HFY_SIM_DOT;
            memset(whole, 0, sizeof whole), memset(numbers, 0, sizeof numbers), memset(reals, 0, sizeof reals);
            memset(one_numbers, 0, sizeof one_numbers);
            everything(&all, status, whole, numbers, reals, B, N, T, TOP);
            everything(&single, &one_status, one_whole, one_numbers, one_reals, 1, N, T, TOP);
            if (!energy) all.energy = single.energy = NULL;
            CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &all, NULL) == HFY_OK);
            for (j = 0; j < B; j++) {
                hfy_net alone = f.net;
                if (alone.bias_stride) alone.bias += j * N;
                CHECK(hfy_retrieve(&alone, f.queries + j * D, 1, one, &single, NULL) == HFY_OK);
                CHECK(same_bits(one, f.out + j * width, width * sizeof *one));
                CHECK(one_status == status[j]);
                CHECK(one_whole[0] == whole[j] && one_whole[1] == whole[B + j] && one_whole[2] == whole[2 * B + j]);
                CHECK(same_bits(one_whole + 3, whole + 3 * B + j * TOP, TOP * sizeof *whole));
                CHECK(same_bits(one_numbers, numbers + j, sizeof *numbers));
                if (energy) CHECK(same_bits(one_numbers + 1, numbers + B + j * (T + 1), (T + 1) * sizeof *numbers));
                CHECK(same_bits(one_reals, reals + j * TOP, TOP * sizeof *reals));
                CHECK(same_bits(one_reals + TOP, reals + B * TOP + j * N, N * sizeof *reals));
            }
            show(sep, post, p);
        }
}

TEST(large_batch_is_single_queries_to_the_bit)
{
    enum { N = 67, D = 45, B = 53 };
    static hfy_real keys[N * D], q[B * D], out[B * D], one[D];
    hfy_rng rng = hfy_rng_seed(8);
    hfy_net net;
    size_t j;
    int sim;
    normals(&rng, keys, N * D, 1);
    normals(&rng, q, B * D, 1);
    for (sim = 0; sim < 8; sim++) {
        memset(&net, 0, sizeof net);
        net.dim = D, net.count = N, net.keys = keys, net.max_steps = 3, net.sim = (hfy_sim)(sim % 4);
        net.sep.kind = sim < 4 ? HFY_SEP_SOFTMAX : HFY_SEP_SPARSEMAX;
        CHECK(hfy_retrieve(&net, q, B, out, NULL, NULL) == HFY_OK);
        for (j = 0; j < B; j++) {
            CHECK(hfy_retrieve(&net, q + j * D, 1, one, NULL, NULL) == HFY_OK);
            CHECK(same_bits(one, out + j * D, sizeof one));
        }
    }
}

/* Queries that come into the state of one row go on together: the same answers and reports as alone. Rows with zeros
   (SIGN then keeps a sign of the state before), values that send rows round in circles, every option that forbids it. */
TEST(queries_that_meet_go_where_each_would_alone)
{
    enum { N = 11, D = 4, B = 330, T = 9, KINDS = 7 };
    static const int seps[KINDS] = {1, 6, 7, 9, 12, 17, 18};
    static hfy_real q[B * D], out[B * D], bias[B * N];
    static double residual[B];
    static size_t steps[B], support[B], best[B], cycle[B], visible[B];
    static hfy_status status[B];
    fixture f;
    size_t met = 0, walked = 0, j, i, d, width;
    int round, options;
    for (round = 0; round < 4 * KINDS; round++)
        for (options = 0; options < 8; options++) {
            hfy_rng rng = hfy_rng_seed((uint64_t)(900 + round * 8 + options));
            hfy_report report, single;
            hfy_status failed;
            hfy_net net;
            make(&f, (uint64_t)(100 + round), N, D, 2);
            for (i = 0; i < N * D; i++)
                f.keys[i] = (hfy_real)((double)(hfy_rng_u64(&rng) % 3) - 1) * (hfy_real)(1 + (round & 1));
            for (i = 0; i < N; i++)
                for (d = 0; d < D; d++) f.values[i * D + d] = f.keys[(i + 1 + (i & 1)) % N * D + d];
            use_sep(&f, seps[round % KINDS]);
            use_post(&f, round / KINDS == 1 ? 2 : round / KINDS == 2 ? 5 : options % 3 == 2 ? 2 : 0);
            net = f.net;
            net.beta = options & 1 ? 30 : 1.2;
            net.max_steps = T;
            if (options & 2) net.values = f.values;
            if (options == 4) net.bias = bias, net.bias_stride = N;
            if (options == 5) net.visible = visible;
            if (options == 6) net.self_coupling = f.self_coupling;
            if (options == 7) net.step = 0.5;
            if (round % 4 == 3 && options < 4) net.readout = f.readout, net.readout_dim = 3;
            width = net.readout ? 3 : D;
            for (i = 0; i < B * D; i++) q[i] = (hfy_real)hfy_rng_normal(&rng);
            normals(&rng, bias, B * N, 2);
            for (j = 0; j < B; j++) visible[j] = 1 + (size_t)(hfy_rng_u64(&rng) % N);
            if (options == 3) q[7 * D] = not_a_number();
            memset(&report, 0, sizeof report);
            report.status = status, report.steps = steps, report.support = support, report.best = best;
            report.cycle = cycle, report.residual = residual;
            failed = hfy_retrieve(&net, q, B, out, &report, NULL);
            for (j = 0; j < B && !status[j];) j++;
            CHECK(failed == (j < B ? status[j] : HFY_OK) && (options != 3 || (j <= 7 && status[7])));
            for (j = 0; j < B; j++) {
                hfy_net alone = net;
                hfy_real one[D];
                double one_residual;
                size_t one_steps, one_support, one_best, one_cycle;
                if (alone.visible) alone.visible += j;
                if (alone.bias) alone.bias += j * N;
                memset(&single, 0, sizeof single);
                single.steps = &one_steps, single.support = &one_support, single.best = &one_best;
                single.cycle = &one_cycle, single.residual = &one_residual;
                CHECK(hfy_retrieve(&alone, q + j * D, 1, one, &single, NULL) == status[j]);
                if (status[j]) continue;
                CHECK(same_bits(one, out + j * width, width * sizeof *one));
                CHECK(one_steps == steps[j] && one_support == support[j] && one_best == best[j]);
                CHECK(one_cycle == cycle[j] && same_bits(&one_residual, residual + j, sizeof one_residual));
                met += j && same_bits(out + j * width, out + (j - 1) * width, width * sizeof *out);
                walked += steps[j] > 3;
            }
        }
    CHECK(met > 8000 && walked > 8000); /* enough of them meet, and go on */
}

/* One query's walk over so many keys carries bounds of its scores from step to step: the bits of single steps, one
   after another, however it moves, with an index and without. */
TEST(a_walk_is_a_chain_of_single_steps)
{
    enum { N = 4099, D = 256, B = 5, T = 7, ROUNDS = 84 };
    static hfy_real keys[N * (D + 3)], values[N * D], readout[N * 2], q[B * D], self[D], bias[N];
    static const hfy_sep_kind kinds[] = {HFY_SEP_SPARSEMAX, HFY_SEP_SPARSEMAX, HFY_SEP_ENTMAX,  HFY_SEP_NORMMAX,
                                         HFY_SEP_ARGMAX,    HFY_SEP_KSUBSETS,  HFY_SEP_KSUBSETS};
    static const double ks[] = {0, 0, 0, 0, 1, 3, 12};
    hfy_index_options options = {6, 0};
    size_t bytes = hfy_index_size(N, D, &options), i, j, d, k, walked = 0, several = 0;
    void *memory = malloc(bytes);
    hfy_work littered;
    int round;
    double up[D + 3], down[D + 3];
    for (d = 0; d < D + 3; d++) up[d] = sin(3 * (double)d / D), down[d] = cos(5 * (double)d / D);
    memset(&littered, 0, sizeof littered);
    littered.capacity = (size_t)1 << 22, littered.buffer = malloc(littered.capacity);
    for (round = 0; round < ROUNDS; round++) {
        hfy_rng rng = hfy_rng_seed((uint64_t)(70 + round));
        hfy_real ends[B * D], out[B * 2];
        size_t steps[B], support[B], visible[B];
        hfy_report report;
        hfy_index index;
        hfy_net net;
        size_t stride = round % 5 == 4 ? D + 3 : D;
        memset(&net, 0, sizeof net);
        for (i = 0; i < N; i++) { /* few dimensions and noise; some rows far out, one the last of all */
            double a = hfy_rng_normal(&rng), b = hfy_rng_normal(&rng), far = i % 101 == 100 || i == N - 1 ? 1.5 : 1;
            for (d = 0; d < stride; d++) {
                double v = a * up[d] + b * down[d] + 1 + (hfy_rng_uniform(&rng) - 0.5);
                keys[i * stride + d] = (hfy_real)(far * v);
            }
        }
        for (i = 0; i < N; i++)
            for (d = 0; d < D; d++) values[i * D + d] = keys[(i * 7 + 1) % N * stride + d];
        normals(&rng, readout, N * 2, 1);
        normals(&rng, self, D, 0.05);
        normals(&rng, bias, N, 3);
        for (j = 0; j < B; j++) visible[j] = N - 60 * j;
        for (j = 0; j < B; j++)
            for (d = 0; d < D; d++)
                q[j * D + d] =
                    (hfy_real)((double)keys[(j == 1 ? N - 1 : j * 211) * stride + d] + 0.6 * hfy_rng_normal(&rng));
        net.dim = D, net.count = N, net.keys = keys, net.key_stride = stride;
        net.beta = (round % 3 == 0 ? 0.3 : round % 3 == 1 ? 2 : 0.02) / 8;
        net.sep.kind = kinds[round % 7], net.sep.k = ks[round % 7];
        if (round % 4 == 1) net.values = values, net.value_stride = D;
        if (round % 4 == 2) net.step = 0.5;
        if (round % 4 == 3) net.post.kind = HFY_POST_L2;
        if (round % 8 == 6) net.self_coupling = self;
        if (round % 11 == 8) net.bias = bias;
        if (round % 11 == 9) net.visible = visible;
        options.prefix = round % 6 == 5 ? 6 : SIZE_MAX;
        if (round % 2) {
            CHECK(hfy_index_build(keys, N, D, stride, &options, memory, bytes, &index, NULL) == HFY_OK);
            net.index = &index;
        }
        net.max_steps = T;
        memset(&report, 0, sizeof report);
        report.steps = steps, report.support = support;
        CHECK(hfy_retrieve(&net, q, B, ends, &report, NULL) == HFY_OK);
        for (j = 0; j < B; j++) {
            hfy_net one = net, single, answers;
            hfy_real state[D], alone[D], last[2];
            size_t alone_steps, alone_support, one_support = 0;
            hfy_report of_one;
            memset(&of_one, 0, sizeof of_one);
            of_one.steps = &alone_steps, of_one.support = &alone_support;
            if (one.visible) one.visible += j;
            single = answers = one;
            memset(littered.buffer, 0x47, littered.capacity); /* large numbers where nothing was written */
            CHECK(hfy_retrieve(&one, q + j * D, 1, alone, &of_one, &littered) == HFY_OK);
            CHECK(same_bits(alone, ends + j * D, sizeof alone) && alone_steps == steps[j]);
            single.max_steps = 1;
            single.index = round % 8 == 7 ? net.index : NULL;
            of_one.support = &one_support;
            memcpy(state, q + j * D, sizeof state);
            for (k = 0; k < steps[j]; k++)
                CHECK(hfy_retrieve(&single, state, 1, state, &of_one, NULL) == HFY_OK);
            CHECK(same_bits(state, alone, sizeof state));
            CHECK(one_support == support[j] && one_support == alone_support);
            walked += steps[j] - 1, several += steps[j] > 3;
            /* the same states into a readout */
            answers.readout = readout, answers.readout_dim = 2;
            of_one.support = NULL;
            CHECK(hfy_retrieve(&answers, q + j * D, 1, out + 2 * j, &of_one, NULL) == HFY_OK);
            memcpy(state, q + j * D, sizeof state);
            for (k = 1; k < alone_steps; k++) CHECK(hfy_retrieve(&single, state, 1, state, NULL, NULL) == HFY_OK);
            answers.max_steps = 1;
            CHECK(hfy_retrieve(&answers, state, 1, last, NULL, NULL) == HFY_OK);
            CHECK(same_bits(last, out + 2 * j, sizeof last));
        }
    }
    if (!CHECK(walked > 800 && several > 100)) printf("    walked %zu several %zu\n", walked, several);
    free(memory), free(littered.buffer);
}

TEST(out_may_be_the_queries)
{
    fixture f;
    hfy_real in_place[MAX_B * MAX_D];
    int s, p;
    for (s = 0; s < SEPS; s++)
        for (p = 0; p < POSTS; p++) {
            const char *sep, *post;
            if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
            make(&f, (uint64_t)(6000 + 20 * s + p), 6, 4, 5);
            sep = use_sep(&f, s);
            post = use_post(&f, p);
            f.net.max_steps = 3;
            if (p % 3 == 0) f.net.readout = f.readout, f.net.readout_dim = 4;
            memcpy(in_place, f.queries, sizeof in_place);
            CHECK(hfy_retrieve(&f.net, f.queries, 5, f.out, NULL, NULL) == HFY_OK);
            CHECK(hfy_retrieve(&f.net, in_place, 5, in_place, NULL, NULL) == HFY_OK);
            CHECK(same_bits(in_place, f.out, 20 * sizeof *in_place));
            show(sep, post, 0);
        }
}

/* rows further apart than they are long: what lies between is never read */
TEST(strides)
{
    enum { N = 6, D = 5, GAP = 3, V = 4 };
    static hfy_real keys[N * (D + GAP)], values[N * (D + GAP)], readout[N * (V + GAP)], bias[4 * (N + GAP)];
    fixture f;
    size_t i, j;
    int s, turn;
    for (s = 0; s < 14; s++)
        for (turn = 0; turn < 2; turn++) {
            hfy_real packed[MAX_B * MAX_D];
            const char *sep;
            hfy_net wide_net;
            make(&f, 6500 + (uint64_t)s, N, D, 4);
            sep = use_sep(&f, s);
            f.net.max_steps = 2;
            f.net.sim = (hfy_sim)(s % 4);
            f.net.values = f.values;
            f.net.bias = f.bias, f.net.bias_stride = N;
            if (turn) f.net.readout = f.readout, f.net.readout_dim = V;
            fill(keys, COUNT(keys), (double)not_a_number());
            fill(values, COUNT(values), (double)not_a_number());
            fill(readout, COUNT(readout), (double)not_a_number());
            fill(bias, COUNT(bias), (double)not_a_number());
            for (i = 0; i < N; i++) {
                memcpy(keys + i * (D + GAP), f.keys + i * D, D * sizeof *keys);
                memcpy(values + i * (D + GAP), f.values + i * D, D * sizeof *values);
                memcpy(readout + i * (V + GAP), f.readout + i * V, V * sizeof *readout);
            }
            for (j = 0; j < 4; j++) memcpy(bias + j * (N + GAP), f.bias + j * N, N * sizeof *bias);
            wide_net = f.net;
            wide_net.keys = keys, wide_net.key_stride = D + GAP;
            wide_net.values = values, wide_net.value_stride = D + GAP;
            wide_net.bias = bias, wide_net.bias_stride = N + GAP;
            if (turn) wide_net.readout = readout, wide_net.readout_stride = V + GAP;
            CHECK(hfy_retrieve(&f.net, f.queries, 4, packed, NULL, NULL) == HFY_OK);
            CHECK(hfy_retrieve(&wide_net, f.queries, 4, f.out, NULL, NULL) == HFY_OK);
            CHECK(same_bits(packed, f.out, 4 * (size_t)(turn ? V : D) * sizeof *packed));
            f.net.values = wide_net.values = NULL; /* the keys' stride then */
            f.net.value_stride = wide_net.value_stride = 0;
            CHECK(hfy_retrieve(&f.net, f.queries, 4, packed, NULL, NULL) == HFY_OK);
            CHECK(hfy_retrieve(&wide_net, f.queries, 4, f.out, NULL, NULL) == HFY_OK);
            CHECK(same_bits(packed, f.out, 4 * (size_t)(turn ? V : D) * sizeof *packed));
            show(sep, "none", turn);
        }
}

TEST(one_hot_copies_the_pattern_to_the_bit)
{
    enum { N = 5, D = 6, V = 3 };
    fixture f;
    hfy_real p[N];
    hfy_report report;
    size_t i;
    int s;
    memset(&report, 0, sizeof report);
    report.weights = p;
    for (s = 1; s < 14; s++) {
        const char *sep;
        if (s == 3 || s == 4 || s == 11 || s == 12 || s == 13 || s == 2) continue;
        make(&f, 7000 + (uint64_t)s, N, D, 1);
        sep = use_sep(&f, s);
        f.net.beta = 500;
        for (i = 0; i < N; i++) {
            f.net.readout = NULL, f.net.values = NULL;
            f.keys[i * D] = (hfy_real)(i == 2 ? -0.0 : 3.7e-3);
            f.net.sim = HFY_SIM_EUCLIDEAN;
            CHECK(hfy_retrieve(&f.net, f.keys + i * D, 1, f.out, &report, NULL) == HFY_OK);
            CHECK_EQ(p[i], 1);
            CHECK(same_bits(f.out, f.keys + i * D, D * sizeof *f.out));
            f.net.values = f.values;
            CHECK(hfy_retrieve(&f.net, f.keys + i * D, 1, f.out, NULL, NULL) == HFY_OK);
            CHECK(same_bits(f.out, f.values + i * D, D * sizeof *f.out));
            f.net.readout = f.readout, f.net.readout_dim = V;
            CHECK(hfy_retrieve(&f.net, f.keys + i * D, 1, f.out, NULL, NULL) == HFY_OK);
            CHECK(same_bits(f.out, f.readout + i * V, V * sizeof *f.out));
        }
        show(sep, "none", 0);
    }
}

/* The same answers whether the report needs whole rows of weights or not, however the candidates lie. */
enum { SPREAD_RANDOM, SPREAD_EQUAL, SPREAD_TIES, SPREAD_DOWN, SPREAD_UP, SPREAD_OUTLIER, SPREADS };

static void spread(hfy_rng *rng, int how, hfy_real *keys, size_t n, size_t dim)
{
    size_t i, d;
    for (i = 0; i < n; i++)
        for (d = 0; d < dim; d++) {
            double v = hfy_rng_normal(rng);
            if (how == SPREAD_EQUAL) v = 1.25;
            if (how == SPREAD_TIES) v = floor(v);
            if (how == SPREAD_DOWN) v = 1 - (double)i / (double)n;
            if (how == SPREAD_UP) v = (double)i / (double)n;
            if (how == SPREAD_OUTLIER) v = i == n / 3 ? 1e3 : 1e-3 * v;
            keys[i * dim + d] = (hfy_real)v;
        }
}

static void one_pass_is_plain(size_t n, size_t dim, size_t batch, int how, double beta)
{
    static hfy_real keys[50000 * 2], weights[150 * 1500 + 50000 * 4], q[150 * 4], out[150 * 4], plain[150 * 4],
        alone[4];
    static double energy[150 * 3];
    static size_t best[150], plain_best[150];
    hfy_rng rng = hfy_rng_seed(n + (uint64_t)how);
    fixture f; /* for its separations only */
    hfy_report report, whole;
    size_t j;
    int s;
    make(&f, 1, 2, 2, 1);
    spread(&rng, how, keys, n, dim);
    for (j = 0; j < batch * dim; j++) q[j] = (hfy_real)(0.5 + 0.1 * hfy_rng_normal(&rng));
    for (s = 0; s < SEPS + 3; s++) {
        const char *sep = s < SEPS ? use_sep(&f, s) : (use_sep(&f, 6), "tie");
        hfy_net net;
        if (s == 2 || s == 14 || s == 15 || s == 16 || (s == 3 && n > 3000)) continue;
        memset(&net, 0, sizeof net);
        memset(&report, 0, sizeof report);
        memset(&whole, 0, sizeof whole);
        net.dim = dim, net.count = n, net.keys = keys, net.beta = beta, net.max_steps = 2, net.sep = f.net.sep;
        if (s == SEPS) net.sep.alpha = HUGE_VAL;
        if (s == SEPS + 1) net.sep.kind = HFY_SEP_NORMMAX, net.sep.gamma = 1;
        if (s == SEPS + 2) net.sep.kind = HFY_SEP_ARGMAX, net.sep.k = 1;
        if (s == 13) f.net.sep.kind = HFY_SEP_ENTMAX, net.sep = f.net.sep; /* two with margins */
        report.best = best;
        whole.best = plain_best, whole.weights = weights, whole.energy = energy;
        CHECK(hfy_retrieve(&net, q, batch, out, &report, NULL) == HFY_OK);
        CHECK(hfy_retrieve(&net, q, batch, plain, &whole, NULL) == HFY_OK);
        CHECK(agree(out, plain, batch * dim, runs_sums(s) ? 256 : 0));
        if (!runs_sums(s)) CHECK(same_bits(best, plain_best, batch * sizeof *best));
        CHECK(hfy_retrieve(&net, q + (batch - 1) * dim, 1, alone, NULL, NULL) == HFY_OK);
        CHECK(same_bits(alone, out + (batch - 1) * dim, dim * sizeof *alone));
        show(sep, "none", how);
    }
}

TEST(one_pass_is_plain_small)
{
    static const double betas[] = {1e-6, 0.3, 4, 1e5};
    size_t b;
    int how;
    for (how = 0; how < SPREADS; how++)
        for (b = 0; b < COUNT(betas); b++) one_pass_is_plain(700, 4, 3, how, betas[b]);
}
TEST(one_pass_is_plain_in_tiles)
{
    int how;
    for (how = 0; how < SPREADS; how++) one_pass_is_plain(1500, 3, 150, how, how % 2 ? 0.01 : 20);
}
TEST(one_pass_is_plain_when_everything_is_a_candidate) { one_pass_is_plain(45000, 2, 2, SPREAD_EQUAL, 1); }
TEST(one_pass_is_plain_when_the_best_comes_last) { one_pass_is_plain(45000, 2, 2, SPREAD_UP, 1e-3); }
TEST(one_pass_is_plain_with_many_ties) { one_pass_is_plain(45000, 2, 3, SPREAD_TIES, 2); }
TEST(one_pass_is_plain_with_an_outlier) { one_pass_is_plain(45000, 2, 2, SPREAD_OUTLIER, 1e-4); }

/* Tens of thousands of small weights: adding row after row in float would be off by thousands of roundings. */
TEST(projections_of_many_rows_are_accurate)
{
    enum { MANY = 50000, D = 2 };
    static hfy_real keys[MANY * D], p[MANY], out[D], readout[MANY];
    static const double starts[] = {0, 1e-3};
    hfy_rng rng = hfy_rng_seed(6);
    hfy_net net;
    hfy_report report;
    size_t i;
    int s, turn, with;
    for (turn = 0; turn < 2; turn++)
        for (s = 0; s < 5; s++)
            for (with = 0; with < 2; with++) {
                hfy_real q[D] = {0, 0}, value;
                wide sum[D] = {0, 0}, answer = 0;
                q[0] = (hfy_real)starts[turn];
                for (i = 0; i < MANY * D; i++) keys[i] = (hfy_real)(turn ? 1 + 0.1 * hfy_rng_normal(&rng) : 1.25);
                for (i = 0; i < MANY; i++) readout[i] = keys[i * D];
                memset(&net, 0, sizeof net);
                memset(&report, 0, sizeof report);
                net.dim = D, net.count = MANY, net.keys = keys;
                net.sep.kind = s == 0 ? HFY_SEP_SOFTMAX : s == 1 ? HFY_SEP_SPARSEMAX : s == 2 ? HFY_SEP_ENTMAX
                               : s == 3 ? HFY_SEP_NORMMAX : HFY_SEP_UNIFORM;
                net.beta = 1e-3;
                if (with) report.weights = p;
                CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
                report.weights = p;
                net.readout = readout, net.readout_dim = 1;
                CHECK(hfy_retrieve(&net, q, 1, &value, with ? &report : NULL, NULL) == HFY_OK);
                if (!with) CHECK(hfy_retrieve(&net, q, 1, &value, &report, NULL) == HFY_OK);
                for (i = 0; i < MANY; i++) {
                    sum[0] += (wide)p[i] * keys[i * D], sum[1] += (wide)p[i] * keys[i * D + 1];
                    answer += (wide)p[i] * readout[i];
                }
                CHECK_NEAR(out[0], (double)sum[0], 256 * REAL_EPS);
                CHECK_NEAR(out[1], (double)sum[1], 256 * REAL_EPS);
                CHECK_NEAR(value, (double)answer, 256 * REAL_EPS);
                show("kind", turn ? "random" : "equal", s);
            }
}

/* --- masks --- */

TEST(masked_patterns_are_not_there)
{
    enum { N = 6, D = 4 };
    fixture f, g;
    size_t i;
    int s;
    for (s = 0; s < 14; s++) {
        const char *sep;
        if (s == 2) continue;
        make(&f, 7100 + (uint64_t)s, N, D, 3);
        sep = use_sep(&f, s);
        f.net.max_steps = 3;
        f.net.beta = 1;
        f.net.values = f.values;
        g = f;
        g.net.keys = g.keys, g.net.values = g.values;
        if (g.net.sep.plus) g.net.sep.plus = &g.more;
        g.net.count = 4; /* the net without patterns 1 and 4 */
        for (i = 0; i < 4; i++) {
            static const size_t kept[] = {0, 2, 3, 5};
            memcpy(g.keys + i * D, f.keys + kept[i] * D, D * sizeof *g.keys);
            memcpy(g.values + i * D, f.values + kept[i] * D, D * sizeof *g.values);
        }
        fill(f.bias, N, 0);
        f.bias[1] = f.bias[4] = (hfy_real)-HUGE_VAL;
        fill(f.keys + D, D, (double)not_a_number()); /* whatever its key holds */
        f.keys[4 * D] = (hfy_real)HUGE_VAL;
        fill(f.values + D, D, (double)not_a_number());
        f.net.bias = f.bias;
        CHECK(hfy_retrieve(&f.net, f.queries, 3, f.out, NULL, NULL) == HFY_OK);
        CHECK(hfy_retrieve(&g.net, f.queries, 3, g.out, NULL, NULL) == HFY_OK);
        for (i = 0; i < 3 * D; i++) CHECK_NEAR(f.out[i], g.out[i], 64 * REAL_EPS);
        show(sep, "none", s);
    }
}

TEST(invisible_patterns_are_not_there)
{
    enum { N = 6, D = 4 };
    fixture f;
    hfy_real alone[D];
    size_t j;
    int s;
    for (s = 0; s < 14; s++) {
        const char *sep;
        if (s == 2 || s == 11 || s == 12) continue;
        make(&f, 7200 + (uint64_t)s, N, D, 4);
        sep = use_sep(&f, s);
        f.net.max_steps = 2, f.net.beta = 1;
        fill(f.keys + 4 * D, D, (double)not_a_number());
        f.visible[0] = 4, f.visible[1] = 1, f.visible[2] = 2, f.visible[3] = 3;
        f.net.visible = f.visible;
        CHECK(hfy_retrieve(&f.net, f.queries, 4, f.out, NULL, NULL) == HFY_OK);
        for (j = 0; j < 4; j++) {
            hfy_net less = f.net;
            less.visible = NULL;
            less.count = f.visible[j];
            CHECK(hfy_retrieve(&less, f.queries + j * D, 1, alone, NULL, NULL) == HFY_OK);
            CHECK(same_bits(alone, f.out + j * D, sizeof alone));
        }
        show(sep, "none", s);
    }
}

/* A query that sees the first patterns only gets the same bits alone and beside queries that see more. */
TEST(a_masked_query_is_alone_in_its_batch)
{
    static const hfy_sep_kind kinds[] = {HFY_SEP_SOFTMAX, HFY_SEP_ENTMAX,   HFY_SEP_EXP,
                                         HFY_SEP_POWER,   HFY_SEP_IDENTITY, HFY_SEP_SPARSEMAX};
    enum { N = 5000, D = 6, B = 9 };
    static hfy_real keys[N * D], q[B * D], out[B * D], alone[D];
    int round;
    for (round = 0; round < 400; round++) {
        hfy_rng rng = hfy_rng_seed((uint64_t)(2000 + round));
        size_t n = round % 8 == 7 ? N : 2 + hfy_rng_u64(&rng) % 300, visible[B], j;
        hfy_net net;
        normals(&rng, keys, n * D, 1);
        normals(&rng, q, B * D, 1);
        memset(&net, 0, sizeof net);
        net.dim = D, net.count = n, net.keys = keys, net.beta = round % 3 ? 0.5 : 2;
        net.sep.kind = kinds[round % 6], net.sep.alpha = 1;
        net.max_steps = round % 5 || (round % 6 > 1 && round % 6 < 5) ? 1 : 3; /* unbounded weights explode */
        for (j = 0; j < B; j++) visible[j] = 1 + hfy_rng_u64(&rng) % n;
        net.visible = visible;
        CHECK(hfy_retrieve(&net, q, B, out, NULL, NULL) == HFY_OK);
        for (j = 0; j < B; j++) {
            net.visible = visible + j;
            CHECK(hfy_retrieve(&net, q + j * D, 1, alone, NULL, NULL) == HFY_OK);
            CHECK(same_bits(alone, out + j * D, sizeof alone));
        }
    }
}

TEST(all_visible_is_no_mask)
{
    fixture f;
    hfy_real plain[12];
    make(&f, 7300, 6, 4, 3);
    CHECK(hfy_retrieve(&f.net, f.queries, 3, plain, NULL, NULL) == HFY_OK);
    f.visible[0] = f.visible[1] = f.visible[2] = 6;
    f.net.visible = f.visible;
    CHECK(hfy_retrieve(&f.net, f.queries, 3, f.out, NULL, NULL) == HFY_OK);
    CHECK(same_bits(plain, f.out, sizeof plain));
    fill(f.bias, 6, 0);
    f.net.bias = f.bias;
    f.net.visible = NULL;
    CHECK(hfy_retrieve(&f.net, f.queries, 3, f.out, NULL, NULL) == HFY_OK);
    CHECK(same_bits(plain, f.out, sizeof plain));
}

TEST(everything_masked)
{
    fixture f;
    hfy_status status[3] = {HFY_ERR_IO, HFY_ERR_IO, HFY_ERR_IO};
    hfy_real plain[12];
    size_t steps[3] = {55, 55, 55}, i;
    hfy_report report;
    hfy_work work;
    memset(&report, 0, sizeof report);
    memset(&work, 0, sizeof work);
    report.status = status, report.steps = steps;
    make(&f, 7400, 6, 4, 3);
    f.net.max_steps = 2;
    CHECK(hfy_retrieve(&f.net, f.queries, 3, plain, NULL, NULL) == HFY_OK);
    f.visible[0] = 6, f.visible[1] = 0, f.visible[2] = 6;
    f.net.visible = f.visible;
    fill(f.out, 12, 7);
    CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 3, f.out, &report, &work), HFY_ERR_ARG, &work, "query 1");
    CHECK(status[0] == HFY_OK && status[1] == HFY_ERR_ARG && status[2] == HFY_OK);
    CHECK(steps[0] == 2 && steps[1] == 55 && steps[2] == 2);
    CHECK(same_bits(f.out, plain, 4 * sizeof *plain) && all_are(f.out + 4, 4, 7));
    CHECK(same_bits(f.out + 8, plain + 8, 4 * sizeof *plain));
    f.net.visible = NULL;
    fill(f.bias, 18, 0);
    for (i = 0; i < 6; i++) f.bias[i] = (hfy_real)-HUGE_VAL;
    f.net.bias = f.bias, f.net.bias_stride = 6;
    fill(f.out, 12, 7);
    CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 3, f.out, &report, &work), HFY_ERR_ARG, &work, "query 0");
    CHECK(status[0] == HFY_ERR_ARG && status[1] == HFY_OK);
    CHECK(all_are(f.out, 4, 7) && same_bits(f.out + 4, plain + 4, 8 * sizeof *plain));
    hfy_work_free(&work);
}

/* --- steps --- */

TEST(max_steps_0_is_1)
{
    fixture f;
    hfy_real one[8];
    size_t steps[2];
    hfy_report report;
    memset(&report, 0, sizeof report);
    report.steps = steps;
    make(&f, 7500, 6, 4, 2);
    CHECK(hfy_retrieve(&f.net, f.queries, 2, one, &report, NULL) == HFY_OK);
    CHECK(steps[0] == 1 && steps[1] == 1);
    f.net.max_steps = 1;
    CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, NULL, NULL) == HFY_OK);
    CHECK(same_bits(one, f.out, sizeof one));
}

TEST(many_steps_are_one_step_many_times)
{
    fixture f;
    hfy_real q[12];
    int s, p;
    size_t t;
    for (s = 0; s < SEPS; s++)
        for (p = 0; p < POSTS; p++) {
            const char *sep, *post;
            if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
            make(&f, (uint64_t)(7600 + 20 * s + p), 6, 4, 3);
            sep = use_sep(&f, s);
            post = use_post(&f, p);
            f.net.step = p % 2 ? 0.7 : 0;
            memcpy(q, f.queries, sizeof q);
            for (t = 0; t < 5; t++) CHECK(hfy_retrieve(&f.net, q, 3, q, NULL, NULL) == HFY_OK);
            f.net.max_steps = 5;
            CHECK(hfy_retrieve(&f.net, f.queries, 3, f.out, NULL, NULL) == HFY_OK);
            CHECK(same_bits(q, f.out, sizeof q));
            show(sep, post, 0);
        }
}

TEST(a_stored_pattern_stands_still)
{
    enum { N = 8, D = 16 };
    static hfy_real keys[N * D], out[N * D];
    size_t steps[N], best[N], support[N], j;
    double residual[N];
    hfy_rng rng = hfy_rng_seed(41);
    hfy_net net;
    hfy_report report;
    memset(&net, 0, sizeof net);
    memset(&report, 0, sizeof report);
    normals(&rng, keys, N * D, 1);
    net.dim = D, net.count = N, net.keys = keys, net.beta = 10, net.max_steps = 50;
    net.sep.kind = HFY_SEP_SPARSEMAX;
    report.steps = steps, report.residual = residual, report.best = best, report.support = support;
    CHECK(hfy_retrieve(&net, keys, N, out, &report, NULL) == HFY_OK);
    CHECK(same_bits(out, keys, sizeof out));
    for (j = 0; j < N; j++) {
        CHECK(steps[j] == 1 && best[j] == j && support[j] == 1);
        CHECK_EQ(residual[j], 0);
    }
}

/* queries that stop at different times in one batch, each as if it were alone */
TEST(every_query_stops_on_its_own)
{
    enum { N = 12, D = 6, B = 8 };
    fixture f;
    size_t steps[B], alone_steps, j, least = 1000, most = 0;
    double residual[B], alone_residual;
    hfy_real one[D];
    hfy_report report, single;
    int trial;
    memset(&report, 0, sizeof report);
    memset(&single, 0, sizeof single);
    report.steps = steps, report.residual = residual;
    single.steps = &alone_steps, single.residual = &alone_residual;
    for (trial = 0; trial < 6; trial++) {
        make(&f, 7800 + (uint64_t)trial, N, D, B);
        use_sep(&f, trial % 3 == 0 ? 0 : trial % 3 == 1 ? 1 : 6);
        f.net.max_steps = 60;
        f.net.beta = 2;
        f.net.tol = trial < 3 ? 1e-4 : 0;
        memcpy(f.queries, f.keys, D * sizeof *f.queries);
        CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &report, NULL) == HFY_OK);
        for (j = 0; j < B; j++) {
            if (steps[j] < least) least = steps[j];
            if (steps[j] > most) most = steps[j];
            CHECK(hfy_retrieve(&f.net, f.queries + j * D, 1, one, &single, NULL) == HFY_OK);
            CHECK(alone_steps == steps[j]);
            CHECK_EQ(alone_residual, residual[j]);
            CHECK(same_bits(one, f.out + j * D, sizeof one));
            if (steps[j] < 60) CHECK(residual[j] <= f.net.tol);
        }
    }
    CHECK(least < most);
}

/* steps, residual and answer by making one step at a time */
TEST(tol_and_residual)
{
    enum { D = 5 };
    fixture f;
    static const double tols[] = {0, 1e-6, 1e-3, 0.1, 10};
    size_t steps, t, c, j, cycle;
    double residual;
    hfy_report report;
    memset(&report, 0, sizeof report);
    report.steps = &steps, report.residual = &residual, report.cycle = &cycle;
    for (j = 0; j < 6; j++)
        for (c = 0; c < COUNT(tols); c++) {
            hfy_real q[D], next[D];
            double far = 0, leak = j % 2 ? 0.5 : 0;
            size_t i;
            make(&f, 7900 + j, 6, D, 1);
            use_sep(&f, j < 3 ? 0 : 5);
            f.net.beta = 1.5, f.net.tol = tols[c], f.net.step = leak;
            f.net.max_steps = 40;
            CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
            memcpy(q, f.queries, sizeof q);
            for (t = 1; t <= 40; t++) {
                hfy_net once = f.net;
                once.max_steps = 1, once.tol = 0, once.step = 0;
                CHECK(hfy_retrieve(&once, q, 1, next, NULL, NULL) == HFY_OK); /* f(q) */
                for (far = 0, i = 0; i < D; i++) {
                    double gap = fabs((double)next[i] - (double)q[i]);
                    if (gap > far) far = gap;
                }
                once.step = leak;
                CHECK(hfy_retrieve(&once, q, 1, q, NULL, NULL) == HFY_OK);
                if (far <= tols[c]) break;
            }
            if (t > 40) t = 40;
            if (cycle) { /* it goes round in its last bits: as still as it can stand */
                CHECK(steps <= t);
                CHECK_NEAR(residual, 0, 32 * REAL_EPS);
                CHECK(agree(q, f.out, D, 32));
                continue;
            }
            CHECK(steps == t);
            CHECK_NEAR(residual, far, REAL_EPS);
            CHECK(same_bits(q, f.out, sizeof q));
        }
}

/* a walk that never settles goes round in a cycle: whole turns are skipped, the answer is that of max_steps */
TEST(a_cycle_of_two)
{
    static const hfy_real key[] = {1, -1}, coupling[] = {1, 1}, start[] = {1, 1, 1, -1};
    static const size_t lengths[] = {1, 2, 3, 10, 11, 1000, 1001};
    size_t steps[2], cycle[2], c;
    hfy_real out[4];
    hfy_net net;
    hfy_report report;
    memset(&net, 0, sizeof net);
    memset(&report, 0, sizeof report);
    net.dim = 2, net.count = 1, net.keys = key, net.self_coupling = coupling;
    net.sep.kind = HFY_SEP_IDENTITY, net.post.kind = HFY_POST_SIGN;
    report.steps = steps, report.cycle = cycle;
    for (c = 0; c < COUNT(lengths); c++) {
        net.max_steps = lengths[c];
        CHECK(hfy_retrieve(&net, start, 2, out, &report, NULL) == HFY_OK);
        CHECK_EQ(out[0], lengths[c] % 2 ? -1 : 1); /* (1, 1) and (-1, -1) in turn */
        CHECK_EQ(out[1], lengths[c] % 2 ? -1 : 1);
        CHECK_EQ(out[2], 1); /* the pattern stands still */
        CHECK_EQ(out[3], -1);
        CHECK(steps[1] == 1 && cycle[1] == 0);
        CHECK(steps[0] <= lengths[c]);
        if (lengths[c] >= 10) CHECK(cycle[0] == 2 && steps[0] < 10 && steps[0] % 2 == lengths[c] % 2);
    }
}

TEST(cycles_of_classical_nets)
{
    enum { N = 5, D = 12, B = 8, T = 61 };
    static hfy_real keys[N * D], q[B * D], one[B * D], out[B * D];
    static double energy[B * (T + 1)], now[B];
    hfy_rng rng = hfy_rng_seed(31);
    size_t steps[B], cycle[B], cycles = 0, t, i, j;
    hfy_net net;
    hfy_report report;
    int trial;
    memset(&net, 0, sizeof net);
    net.dim = D, net.count = N, net.keys = keys, net.sep.kind = HFY_SEP_IDENTITY, net.post.kind = HFY_POST_SIGN;
    for (trial = 0; trial < 12; trial++) {
        memset(&report, 0, sizeof report);
        report.steps = steps, report.cycle = cycle;
        for (i = 0; i < N * D; i++) keys[i] = (hfy_real)hfy_rng_sign(&rng);
        for (i = 0; i < B * D; i++) q[i] = (hfy_real)hfy_rng_sign(&rng);
        for (i = 0; trial % 2 && i < N * D; i++) keys[i] = (hfy_real)(i % 2 ? 1 : -1) * keys[i] - (hfy_real)0.25;
        memcpy(one, q, sizeof one);
        net.max_steps = 1;
        for (t = 0; t < T - (trial % 3 == 2); t++) CHECK(hfy_retrieve(&net, one, B, one, NULL, NULL) == HFY_OK);
        net.max_steps = t;
        CHECK(hfy_retrieve(&net, q, B, out, &report, NULL) == HFY_OK);
        CHECK(same_bits(one, out, sizeof one));
        for (j = 0; j < B; j++) {
            cycles += cycle[j] > 1;
            CHECK(steps[j] < 40);
        }
        report.energy = energy; /* every step is made and has its energy */
        CHECK(hfy_retrieve(&net, q, B, out, &report, NULL) == HFY_OK);
        CHECK(same_bits(one, out, sizeof one));
        memcpy(one, q, sizeof one);
        net.max_steps = 1;
        for (i = 0; i <= t; i++) {
            CHECK(hfy_energy(&net, one, B, now, NULL) == HFY_OK);
            for (j = 0; j < B; j++) CHECK_NEAR(energy[j * (t + 1) + i], now[j], 1e-12);
            CHECK(hfy_retrieve(&net, one, B, one, NULL, NULL) == HFY_OK);
        }
    }
    (void)cycles;
}

TEST(cycles_of_nets_with_negative_feedback)
{
    enum { N = 4, D = 6, B = 8 };
    fixture f;
    size_t steps[B], cycle[B], cycles = 0, t, j;
    hfy_real one[B * D];
    hfy_report report;
    int trial;
    for (trial = 0; trial < 12; trial++) {
        memset(&report, 0, sizeof report);
        report.steps = steps, report.cycle = cycle;
        make(&f, 33000 + (uint64_t)trial, N, D, B);
        use_sep(&f, trial % 2 ? 14 : 1);
        use_post(&f, 2);
        fill(f.self_coupling, D, 2);
        f.net.self_coupling = f.self_coupling;
        memcpy(one, f.queries, sizeof one);
        for (t = 0; t < 50 + (size_t)trial; t++) CHECK(hfy_retrieve(&f.net, one, B, one, NULL, NULL) == HFY_OK);
        f.net.max_steps = t;
        CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &report, NULL) == HFY_OK);
        CHECK(same_bits(one, f.out, sizeof one));
        for (j = 0; j < B; j++)
            if (cycle[j]) {
                cycles++;
                CHECK(steps[j] < t && (t - steps[j]) % cycle[j] == 0);
            }
    }
    CHECK(cycles > 20);
}

TEST(a_cycle_in_the_last_bits_ends_a_walk)
{
    fixture f;
    size_t steps[6], cycle[6], j;
    double residual[6];
    hfy_report report;
    int trial;
    memset(&report, 0, sizeof report);
    report.steps = steps, report.cycle = cycle, report.residual = residual;
    for (trial = 0; trial < 40; trial++) {
        make(&f, 34000 + (uint64_t)trial, 9, 6, 6);
        use_sep(&f, trial % 4 == 0 ? 0 : trial % 4 == 1 ? 5 : trial % 4 == 2 ? 8 : 3);
        f.net.step = trial % 3 == 0 ? 0.3 : trial % 3 == 1 ? 0.5 : 1;
        f.net.max_steps = 20000;
        CHECK(hfy_retrieve(&f.net, f.queries, 6, f.out, &report, NULL) == HFY_OK);
        for (j = 0; j < 6; j++) {
            CHECK(steps[j] < 20000);
            if (!cycle[j]) CHECK_EQ(residual[j], 0);
            if (cycle[j]) CHECK(residual[j] <= 64 * REAL_EPS);
        }
    }
}

TEST(readout_is_of_the_last_weights)
{
    enum { N = 7, D = 4, V = 9, B = 3 };
    fixture f;
    hfy_real weights[B * N], first[B * V];
    hfy_report report;
    size_t i, j, d, steps;
    memset(&report, 0, sizeof report);
    report.weights = weights;
    for (steps = 1; steps <= 3; steps++) {
        make(&f, 8000, N, D, B);
        use_post(&f, 3);
        f.net.readout = f.readout, f.net.readout_dim = V, f.net.max_steps = steps;
        CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &report, NULL) == HFY_OK);
        if (steps == 1) memcpy(first, f.out, sizeof first);
        for (j = 0; j < B; j++)
            for (d = 0; d < V; d++) {
                double sum = 0;
                for (i = 0; i < N; i++) sum += (double)weights[j * N + i] * (double)f.readout[i * V + d];
                CHECK_NEAR(f.out[j * V + d], sum, 8 * REAL_EPS);
            }
    }
    CHECK(!same_bits(first, f.out, sizeof first));
}

TEST(attention_by_a_plain_loop)
{
    enum { L = 6, S = 8, E = 5, V = 3 };
    fixture f;
    size_t i, j, d;
    make(&f, 8100, S, E, L);
    f.net.readout = f.readout, f.net.readout_dim = V; /* softmax(q k^T / sqrt(E)) v */
    CHECK(hfy_retrieve(&f.net, f.queries, L, f.out, NULL, NULL) == HFY_OK);
    for (j = 0; j < L; j++) {
        double score[S], sum = 0, out[V] = {0, 0, 0};
        for (i = 0; i < S; i++) {
            for (score[i] = 0, d = 0; d < E; d++) score[i] += (double)f.queries[j * E + d] * (double)f.keys[i * E + d];
            sum += score[i] = exp(score[i] / sqrt((double)E));
        }
        for (i = 0; i < S; i++)
            for (d = 0; d < V; d++) out[d] += score[i] / sum * (double)f.readout[i * V + d];
        for (d = 0; d < V; d++) CHECK_NEAR(f.out[j * V + d], out[d], 8 * REAL_EPS);
    }
}

TEST(causal_attention)
{
    enum { L = 7, E = 4 };
    fixture f;
    hfy_real by_bias[L * E];
    size_t i, j;
    make(&f, 8200, L, E, L);
    f.net.readout = f.readout, f.net.readout_dim = E;
    for (j = 0; j < L; j++) f.visible[j] = j + 1;
    f.net.visible = f.visible;
    CHECK(hfy_retrieve(&f.net, f.queries, L, f.out, NULL, NULL) == HFY_OK);
    f.net.visible = NULL;
    for (j = 0; j < L; j++)
        for (i = 0; i < L; i++) f.bias[j * L + i] = (hfy_real)(i <= j ? 0 : -HUGE_VAL);
    f.net.bias = f.bias, f.net.bias_stride = L;
    CHECK(hfy_retrieve(&f.net, f.queries, L, by_bias, NULL, NULL) == HFY_OK);
    for (i = 0; i < L * E; i++) CHECK_NEAR(by_bias[i], f.out[i], 8 * REAL_EPS);
}

TEST(classical_net_without_self_coupling)
{
    enum { N = 4, D = 20 };
    static hfy_real b[N * D], c[D], q[D], out[D];
    hfy_rng rng = hfy_rng_seed(51);
    hfy_net net;
    size_t i, d, e, t;
    memset(&net, 0, sizeof net);
    for (i = 0; i < N * D; i++) b[i] = (hfy_real)hfy_rng_sign(&rng);
    fill(c, D, N); /* diag(K^T K) of +-1 patterns */
    net.dim = D, net.count = N, net.keys = b, net.sep.kind = HFY_SEP_IDENTITY, net.post.kind = HFY_POST_SIGN;
    net.self_coupling = c;
    for (t = 0; t < 20; t++) {
        for (d = 0; d < D; d++) q[d] = (hfy_real)hfy_rng_sign(&rng);
        CHECK(hfy_retrieve(&net, q, 1, out, NULL, NULL) == HFY_OK);
        for (d = 0; d < D; d++) {
            double field = 0;
            for (e = 0; e < D; e++)
                for (i = 0; i < N; i++)
                    field += e == d ? 0 : (double)b[i * D + d] * (double)b[i * D + e] * (double)q[e];
            CHECK_EQ(out[d], field > 0 ? 1 : field < 0 ? -1 : (double)q[d]); /* a tie keeps the bit */
        }
    }
}

TEST(hetero_association_by_values_and_by_a_matrix)
{
    enum { N = 4, D = 8 };
    fixture f;
    hfy_real turned[D];
    size_t i, d, e;
    make(&f, 8300, N, D, 1);
    use_sep(&f, 1);
    f.net.beta = 50;
    f.net.sim = HFY_SIM_EUCLIDEAN;
    f.net.values = f.values;
    for (i = 0; i < N; i++) { /* the key of i recalls the value of i */
        CHECK(hfy_retrieve(&f.net, f.keys + i * D, 1, f.out, NULL, NULL) == HFY_OK);
        CHECK(same_bits(f.out, f.values + i * D, D * sizeof *f.out));
    }
    f.net.values = NULL;
    use_post(&f, 10); /* A z */
    for (i = 0; i < N; i++) {
        CHECK(hfy_retrieve(&f.net, f.keys + i * D, 1, turned, NULL, NULL) == HFY_OK);
        for (d = 0; d < D; d++) {
            double sum = 0;
            for (e = 0; e < D; e++) sum += (double)f.matrix[d * D + e] * (double)f.keys[i * D + e];
            CHECK_NEAR(turned[d], sum, 8 * REAL_EPS);
        }
    }
}

TEST(noisy_patterns_are_recalled_under_every_similarity)
{
    enum { N = 30, D = 40 };
    static hfy_real keys[N * D], q[N * D], out[N * D];
    hfy_rng rng = hfy_rng_seed(61);
    hfy_net net;
    size_t i;
    int sim;
    normals(&rng, keys, N * D, 1);
    for (i = 0; i < N * D; i++) q[i] = keys[i] + (hfy_real)(0.2 * hfy_rng_normal(&rng));
    for (sim = 0; sim < 4; sim++) {
        memset(&net, 0, sizeof net);
        net.dim = D, net.count = N, net.keys = keys, net.sim = (hfy_sim)sim, net.max_steps = 10;
        net.beta = sim == HFY_SIM_COSINE ? 20 : 2;
        net.sep.kind = HFY_SEP_SPARSEMAX;
        CHECK(hfy_retrieve(&net, q, N, out, NULL, NULL) == HFY_OK);
        CHECK(same_bits(out, keys, sizeof keys));
    }
}

/* --- the report --- */

TEST(report_agrees_with_its_weights)
{
    enum { N = 9, D = 4, B = 5, T = 3, TOP = 4 };
    fixture f;
    int s;
    for (s = 0; s < SEPS; s++) {
        hfy_status status[B];
        size_t whole[B * (3 + TOP)], j, i, k;
        double numbers[B * (T + 2)];
        hfy_real reals[B * (TOP + N)];
        hfy_report r;
        const char *sep;
        make(&f, 8400 + (uint64_t)s, N, D, B);
        sep = use_sep(&f, s);
        if (sep_is_unbounded(s)) use_post(&f, 1);
        f.net.max_steps = T;
        f.net.beta = 2;
        memcpy(f.keys + 3 * D, f.keys + 1 * D, D * sizeof *f.keys); /* two equal patterns */
        everything(&r, status, whole, numbers, reals, B, N, T, TOP);
        CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &r, NULL) == HFY_OK);
        for (j = 0; j < B; j++) {
            const hfy_real *p = r.weights + j * N;
            size_t best = 0, support = 0, used = 0;
            int taken[N];
            memset(taken, 0, sizeof taken);
            for (i = 0; i < N; i++) {
                if (p[i] > p[best]) best = i;
                support += p[i] > 0 || p[i] < 0;
            }
            CHECK(r.status[j] == HFY_OK);
            CHECK(r.best[j] == best);
            CHECK(r.support[j] == support);
            CHECK(r.steps[j] >= 1 && r.steps[j] <= T);
            for (k = 0; k < TOP; k++) {
                size_t next = N;
                for (i = 0; i < N; i++)
                    if (!taken[i] && (p[i] > 0 || p[i] < 0) && (next == N || p[i] > p[next])) next = i;
                if (next == N ||
                    (s >= 14 && s <= 15 && used)) { /* signed weights: order of what is left is not promised */
                    if (s < 14 || s > 15)
                        CHECK(r.top_index[j * TOP + k] == SIZE_MAX), CHECK_EQ(r.top_weight[j * TOP + k], 0);
                    continue;
                }
                taken[next] = 1, used++;
                CHECK(r.top_index[j * TOP + k] == next);
                CHECK_EQ(r.top_weight[j * TOP + k], p[next]);
            }
        }
        show(sep, "", s);
    }
}

TEST(report_fields_alone_are_as_together)
{
    enum { N = 8, D = 5, B = 4, T = 3, TOP = 2 };
    fixture f;
    int s, field;
    for (s = 0; s < SEPS; s++) {
        hfy_status status[B], status2[B];
        size_t whole[B * (3 + TOP)], whole2[B * (3 + TOP)];
        double numbers[B * (T + 2)], numbers2[B * (T + 2)];
        hfy_real reals[B * (TOP + N)], reals2[B * (TOP + N)], plain[B * D], out[B * D];
        hfy_report all, r;
        const char *sep;
        make(&f, 8500 + (uint64_t)s, N, D, B);
        sep = use_sep(&f, s);
        use_post(&f, 4);
        f.net.max_steps = T;
        everything(&all, status, whole, numbers, reals, B, N, T, TOP);
        CHECK(hfy_retrieve(&f.net, f.queries, B, plain, NULL, NULL) == HFY_OK);
        CHECK(hfy_retrieve(&f.net, f.queries, B, out, &all, NULL) == HFY_OK);
        CHECK(agree(plain, out, B * D, runs_sums(s) ? 32 : 0)); /* asking changes nothing */
        for (field = 0; field < 9; field++) {
            everything(&r, status2, whole2, numbers2, reals2, B, N, T, TOP);
            if (field != 0) r.status = NULL;
            if (field != 1) r.best = NULL;
            if (field != 2) r.support = NULL;
            if (field != 3) r.steps = NULL;
            if (field != 4) r.residual = NULL;
            if (field != 5) r.energy = NULL;
            if (field != 6) r.top_index = NULL;
            if (field != 7) r.top_weight = NULL;
            if (field != 8) r.weights = NULL;
            CHECK(hfy_retrieve(&f.net, f.queries, B, out, &r, NULL) == HFY_OK);
            CHECK(agree(plain, out, B * D, runs_sums(s) ? 32 : 0));
            CHECK(!r.status || same_bits(r.status, all.status, B * sizeof *status));
            CHECK(!r.best || same_bits(r.best, all.best, B * sizeof *whole));
            CHECK(!r.support || same_bits(r.support, all.support, B * sizeof *whole));
            CHECK(!r.steps || same_bits(r.steps, all.steps, B * sizeof *whole));
            CHECK(!r.residual || runs_sums(s) || same_bits(r.residual, all.residual, B * sizeof *numbers));
            CHECK(!r.energy || same_bits(r.energy, all.energy, B * (T + 1) * sizeof *numbers));
            CHECK(!r.top_index || same_bits(r.top_index, all.top_index, B * TOP * sizeof *whole));
            CHECK(!r.top_weight || same_bits(r.top_weight, all.top_weight, B * TOP * sizeof *reals));
            CHECK(!r.weights || same_bits(r.weights, all.weights, B * N * sizeof *reals));
        }
        show(sep, "l2", s);
    }
}

TEST(report_top_longer_than_the_memory)
{
    enum { N = 3, TOP = 5 };
    fixture f;
    size_t index[TOP];
    hfy_real weight[TOP];
    hfy_report report;
    memset(&report, 0, sizeof report);
    report.top = TOP, report.top_index = index, report.top_weight = weight;
    make(&f, 8600, N, 4, 1);
    CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, NULL) == HFY_OK);
    CHECK(index[0] < N && index[1] < N && index[2] < N);
    CHECK(index[3] == SIZE_MAX && index[4] == SIZE_MAX);
    CHECK(weight[0] >= weight[1] && weight[1] >= weight[2] && weight[2] > 0);
    CHECK_EQ(weight[3], 0);
    CHECK_EQ(weight[4], 0);
}

TEST(report_ties_by_index)
{
    enum { N = 4, D = 3 };
    static const hfy_real keys[N * D] = {1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0}, q[D] = {0, 1, 0};
    size_t index[3], best;
    hfy_real out[D];
    hfy_net net;
    hfy_report report;
    memset(&net, 0, sizeof net);
    memset(&report, 0, sizeof report);
    net.dim = D, net.count = N, net.keys = keys;
    report.top = 3, report.top_index = index, report.best = &best;
    CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
    CHECK(best == 1 && index[0] == 1 && index[1] == 2 && index[2] == 3);
    net.sep.kind = HFY_SEP_SPARSEMAX;
    CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
    CHECK(best == 1 && index[0] == 1 && index[1] == 2 && index[2] == 3);
}

TEST(report_energy_is_the_energy_of_the_states)
{
    enum { N = 6, D = 4, B = 3, T = 6 };
    fixture f;
    int s, p;
    for (s = 0; s < SEPS; s++)
        for (p = 0; p < 9; p++) {
            double energy[B * (T + 1)], now[B];
            size_t steps[B], t, j;
            hfy_real q[B * D], weights[B * N];
            hfy_report report, whole;
            const char *sep, *post;
            if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
            memset(&report, 0, sizeof report);
            memset(&whole, 0, sizeof whole);
            report.energy = energy, report.steps = steps;
            whole.weights = weights; /* the same way of working as with energies */
            make(&f, (uint64_t)(8700 + 20 * s + p), N, D, B);
            sep = use_sep(&f, s);
            post = use_post(&f, p);
            f.net.max_steps = T;
            f.net.bias = f.bias;
            CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &report, NULL) == HFY_OK);
            f.net.max_steps = 1;
            memcpy(q, f.queries, sizeof q);
            for (t = 0; t <= T; t++) {
                CHECK(hfy_energy(&f.net, q, B, now, NULL) == HFY_OK);
                for (j = 0; j < B; j++) {
                    if (t <= steps[j])
                        CHECK_NEAR(energy[j * (T + 1) + t], now[j], 1e-12);
                    else
                        CHECK_EQ(energy[j * (T + 1) + t],
                                 energy[j * (T + 1) + steps[j]]); /* the tail repeats the last */
                }
                CHECK(hfy_retrieve(&f.net, q, B, q, &whole, NULL) == HFY_OK);
            }
            show(sep, post, 0);
        }
}

/* --- energy --- */

TEST(energy_by_its_formula)
{
    enum { N = 6, D = 4, B = 3 };
    fixture f;
    int s, p;
    for (s = 0; s < SEPS; s++)
        for (p = 0; p < 9; p++) {
            double energy[B], star, psi, want;
            hfy_real theta[N], q[B * D];
            size_t i, j, d;
            const char *sep, *post;
            make(&f, (uint64_t)(8900 + 20 * s + p), N, D, B);
            sep = use_sep(&f, s);
            post = use_post(&f, p);
            f.net.beta = 0.7;
            f.net.bias = f.bias, f.net.bias_stride = N;
            if (p == 0) f.net.self_coupling = f.self_coupling;
            CHECK(hfy_post_apply(&f.net.post, f.queries, NULL, B, D, q, NULL) == HFY_OK); /* into dom Psi */
            CHECK(hfy_energy(&f.net, q, B, energy, NULL) == HFY_OK);
            for (j = 0; j < B; j++) {
                for (i = 0; i < N; i++) {
                    double dot = 0;
                    for (d = 0; d < D; d++) dot += (double)f.keys[i * D + d] * (double)q[j * D + d];
                    theta[i] = (hfy_real)(0.7 * dot + (double)f.bias[j * N + i]);
                }
                CHECK(hfy_sep_conjugate(&f.net.sep, theta, 1, N, &star, NULL) == HFY_OK);
                CHECK(hfy_post_value(&f.net.post, q + j * D, 1, D, &psi, NULL) == HFY_OK);
                want = -star / 0.7 + psi;
                for (d = 0; p == 0 && d < D; d++)
                    want += 0.5 * (double)f.self_coupling[d] * (double)q[j * D + d] * (double)q[j * D + d];
                CHECK_NEAR(energy[j], want, 32 * REAL_EPS);
            }
            show(sep, post, 0);
        }
}

static void never_rises(int p)
{
    enum { N = 8, D = 5, B = 4, T = 8 };
    fixture f;
    int s, seed;
    for (s = 0; s < SEPS; s++)
        for (seed = 0; seed < 25; seed++) {
            double energy[B * (T + 1)];
            hfy_report report;
            const char *sep, *post;
            size_t j, t;
            if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
            memset(&report, 0, sizeof report);
            report.energy = energy;
            make(&f, (uint64_t)(10000 + 40 * s + seed), N, D, B);
            sep = use_sep(&f, s);
            post = use_post(&f, p);
            f.net.beta = seed % 4 == 0 ? 0.2 : seed % 4 == 1 ? 1 : seed % 4 == 2 ? 3 : 10;
            if (sep_is_unbounded(s) && f.net.beta > 1) f.net.beta = 1;
            if (seed % 5 == 4) f.net.bias = f.bias, f.net.bias_stride = N;
            f.net.max_steps = T;
            CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &report, NULL) == HFY_OK);
            for (j = 0; j < B; j++) {
                const double *e = energy + j * (T + 1);
                for (t = 0; t < T; t++) {
                    double size = 1 + fabs(e[t + 1]);
                    CHECK(e[t + 1] < 1e300); /* inside dom Psi from the first step on */
                    if (!(e[t + 1] <= e[t] + (sizeof(hfy_real) == 8 ? 1e-12 : 16 * REAL_EPS) * size))
                        CHECK_NEAR(e[t + 1] - e[t], 0, 0);
                }
            }
            show(sep, post, seed);
        }
}

TEST(energy_never_rises_none) { never_rises(0); }
TEST(energy_never_rises_tanh) { never_rises(1); }
TEST(energy_never_rises_sign) { never_rises(2); }
TEST(energy_never_rises_l2) { never_rises(3); }
TEST(energy_never_rises_l2_eps) { never_rises(4); }
TEST(energy_never_rises_layernorm) { never_rises(5); }
TEST(energy_never_rises_layernorm_eps) { never_rises(6); }
TEST(energy_never_rises_linear) { never_rises(7); }
TEST(energy_never_rises_rectified) { never_rises(8); }

/* Eq. 6: energy + constant = -L_Omega(beta X q, u)/beta + L_Psi(X^T u, q) */
TEST(energy_is_a_difference_of_losses)
{
    enum { N = 6, D = 4 };
    fixture f;
    int s, p;
    for (s = 0; s < 13; s++)
        for (p = 0; p < 8; p++) {
            double energy, constant, loss, psi, star, linear = 0, beta = 0.9;
            hfy_real q[D], theta[N], zero[N], u[N], z[D];
            size_t i, d;
            const char *sep, *post;
            make(&f, (uint64_t)(12000 + 20 * s + p), N, D, 1);
            sep = use_sep(&f, s);
            post = use_post(&f, p);
            f.net.beta = beta;
            CHECK(hfy_post_apply(&f.net.post, f.queries, NULL, 1, D, q, NULL) == HFY_OK);
            fill(zero, N, 0);
            CHECK(hfy_sep_apply(&f.net.sep, zero, 1, N, u, NULL) == HFY_OK);
            for (i = 0; i < N; i++) {
                double dot = 0;
                for (d = 0; d < D; d++) dot += (double)f.keys[i * D + d] * (double)q[d];
                theta[i] = (hfy_real)(beta * dot);
            }
            for (d = 0; d < D; d++) {
                double sum = 0;
                for (i = 0; i < N; i++) sum += (double)u[i] * (double)f.keys[i * D + d];
                z[d] = (hfy_real)sum;
                linear += sum * (double)q[d];
            }
            CHECK(hfy_energy(&f.net, q, 1, &energy, NULL) == HFY_OK);
            CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_FY, &constant, NULL) == HFY_OK);
            CHECK(hfy_sep_loss(&f.net.sep, theta, u, 1, N, &loss, NULL) == HFY_OK);
            CHECK(hfy_post_value(&f.net.post, q, 1, D, &psi, NULL) == HFY_OK);
            CHECK(hfy_post_conjugate(&f.net.post, z, 1, D, &star, NULL) == HFY_OK);
            CHECK_NEAR(energy + constant, -loss / beta + psi + star - linear,
                       sizeof(hfy_real) == 8 ? 1e-11 : 64 * REAL_EPS);
            show(sep, post, 0);
        }
}

/* Prop. 7: 1/2 |x_k - q|^2 <= E(q) everywhere; E <= min{2M^2, -Omega(1/N)/beta + M^2/2} in the hull of the patterns */
TEST(energy_within_its_bounds)
{
    enum { N = 7, D = 4 };
    static const int negentropies[] = {0, 1, 4, 5, 6, 7, 8, 9, 10, 18};
    fixture f;
    hfy_rng rng = hfy_rng_seed(3);
    size_t c, i, d;
    int trial;
    for (c = 0; c < COUNT(negentropies); c++)
        for (trial = 0; trial < 40; trial++) {
            double energy, constant, below = 0, M2 = 0, omega, top = -1e300,
                                     slack = sizeof(hfy_real) == 8 ? 1e-12 : 1e-5;
            hfy_sep soft;
            hfy_real q[D], t[N], p[N], u[N];
            size_t k = 0;
            const char *sep;
            make(&f, 12500 + (uint64_t)trial, N, D, 1);
            sep = use_sep(&f, negentropies[c]);
            f.net.beta = trial % 2 ? 0.8 : 4;
            memset(&soft, 0, sizeof soft);
            normals(&rng, t, N, 1);
            CHECK(hfy_sep_apply(&soft, t, 1, N, p, NULL) == HFY_OK);
            for (d = 0; d < D; d++) {
                double sum = 0;
                for (i = 0; i < N; i++) sum += (double)p[i] * (double)f.keys[i * D + d];
                q[d] = trial < 20 ? (hfy_real)sum : f.queries[d];
            }
            fill(u, N, 1.0 / N);
            for (i = 0; i < N; i++) {
                double dot = 0, square = 0;
                for (d = 0; d < D; d++) {
                    dot += (double)f.keys[i * D + d] * (double)q[d];
                    square += (double)f.keys[i * D + d] * (double)f.keys[i * D + d];
                }
                if (dot > top) top = dot, k = i;
                if (square > M2) M2 = square;
            }
            for (d = 0; d < D; d++) {
                double gap = (double)f.keys[k * D + d] - (double)q[d];
                below += 0.5 * gap * gap;
            }
            CHECK(hfy_energy(&f.net, q, 1, &energy, NULL) == HFY_OK);
            CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, NULL) == HFY_OK);
            CHECK(hfy_sep_value(&f.net.sep, u, 1, N, &omega, NULL) == HFY_OK);
            CHECK_NEAR(constant, -omega / f.net.beta + M2 / 2, 4 * REAL_EPS);
            CHECK(energy + constant >= below - slack);
            if (trial < 20) CHECK(energy + constant <= -omega / f.net.beta + M2 / 2 + slack);
            if (trial < 20) CHECK(energy + constant <= 2 * M2 + slack);
            show(sep, "none", trial);
        }
}

TEST(energy_outside_its_domain_is_infinite)
{
    fixture f;
    double energy[2];
    int p;
    for (p = 1; p <= 6; p++) {
        make(&f, 12600, 5, 4, 2);
        use_post(&f, p);
        fill(f.queries, 4, 30);
        fill(f.queries + 4, 4, 0);
        CHECK(hfy_energy(&f.net, f.queries, 2, energy, NULL) == HFY_OK);
        CHECK_EQ(energy[0], HUGE_VAL);
        if (p != 5) CHECK(energy[1] < 1e300);
    }
}

TEST(energy_where_none_exists)
{
    fixture f;
    double energy, constant;
    hfy_work work;
    hfy_report report;
    int c;
    memset(&work, 0, sizeof work);
    memset(&report, 0, sizeof report);
    report.energy = &energy;
    for (c = 0; c < 7; c++) {
        make(&f, 12700, 5, 4, 1);
        if (c < 3) f.net.sim = (hfy_sim)(c + 1);
        if (c == 3) f.net.values = f.values;
        if (c >= 4) use_post(&f, c + 5);
        energy = constant = 7;
        fill(f.out, 4, 7);
        CHECK(hfy_energy(&f.net, f.queries, 1, &energy, &work) == HFY_ERR_UNSUPPORTED);
        CHECK_CONTAINS(work.message, c < 3 ? "sim" : c == 3 ? "values" : c == 4 ? "gain" : c == 5 ? "matrix" : "sigma");
        CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, &report, &work) == HFY_ERR_UNSUPPORTED);
        CHECK(work.message[0] != 0);
        CHECK(all_are(f.out, 4, 7)); /* found before anything is written */
        CHECK_EQ(energy, 7);
        CHECK(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, &constant, &work) == HFY_ERR_UNSUPPORTED);
        CHECK_EQ(constant, 7);
    }
    make(&f, 12700, 5, 4, 1);
    f.net.values = f.keys; /* values that are the keys are no values */
    CHECK(hfy_energy(&f.net, f.queries, 1, &energy, &work) == HFY_OK);
    hfy_work_free(&work);
}

TEST(energy_of_bad_queries)
{
    fixture f;
    double energy[3] = {7, 7, 7};
    hfy_work work;
    memset(&work, 0, sizeof work);
    make(&f, 12800, 5, 4, 3);
    f.queries[5] = not_a_number();
    CHECK_FAILS(hfy_energy(&f.net, f.queries, 3, energy, &work), HFY_ERR_NONFINITE, &work, "query 1");
    CHECK(energy[0] < 7 && energy[2] < 7);
    CHECK_EQ(energy[1], 7);
    CHECK_FAILS(hfy_energy(&f.net, NULL, 3, energy, &work), HFY_ERR_ARG, &work, "q");
    CHECK_FAILS(hfy_energy(&f.net, f.queries, 3, NULL, &work), HFY_ERR_ARG, &work, "energy");
    CHECK_FAILS(hfy_energy_constant(&f.net, HFY_ENERGY_PAPER, NULL, &work), HFY_ERR_ARG, &work, "constant");
    CHECK_FAILS(hfy_energy(NULL, f.queries, 3, energy, &work), HFY_ERR_ARG, &work, "net");
    {
        hfy_energy_form form = HFY_ENERGY_RAW;
        unsigned wrong = 17;
        memcpy(&form, &wrong, sizeof wrong);
        CHECK_FAILS(hfy_energy_constant(&f.net, form, energy, &work), HFY_ERR_ARG, &work, "form");
    }
    hfy_work_free(&work);
}

/* --- gradients --- */

typedef struct gradients {
    hfy_real queries[MAX_B * MAX_D], keys[MAX_N * MAX_D], values[MAX_N * MAX_D], readout[MAX_N * MAX_D];
    hfy_real bias[MAX_B * MAX_N], self_coupling[MAX_D];
    double beta, alpha, gamma;
} gradients;

static void ask(const hfy_net *net, gradients *g, hfy_grad *grad)
{
    memset(g, 0, sizeof *g);
    memset(grad, 0, sizeof *grad);
    grad->queries = g->queries, grad->keys = g->keys, grad->beta = &g->beta;
    if (net->values) grad->values = g->values;
    if (net->readout) grad->readout = g->readout;
    if (net->bias) grad->bias = g->bias;
    if (net->self_coupling) grad->self_coupling = g->self_coupling;
    if (net->sep.kind == HFY_SEP_ENTMAX && !net->sep.plus) grad->alpha = &g->alpha;
    if (net->sep.kind == HFY_SEP_NORMMAX && !net->sep.plus && net->sep.gamma < 1e9) grad->gamma = &g->gamma;
}

/* dout . answers of all queries, each with its own number of steps */
static wide objective(const oracle_memory *m, const size_t *steps, const hfy_real *dout, size_t width)
{
    static wide states[8 * MAX_D], p[MAX_N], out[MAX_D];
    wide sum = 0;
    size_t i, j;
    for (j = 0; j < m->n_queries; j++) {
        oracle_retrieve(m, j, steps[j], states, p, out);
        for (i = 0; i < width; i++) sum += out[i] * dout[j * width + i];
    }
    return sum;
}

/* One array of a memory moves along a random direction: the slope of the objective against gradient . direction.
   `along` gets the product, `size` the sum of its magnitudes. Returns 0 at a kink. */
enum { IN_QUERIES, IN_KEYS, IN_VALUES, IN_READOUT, IN_BIAS, IN_SELF, IN_BETA, IN_ALPHA, IN_GAMMA, PARTS };
static const char *const part_names[] = {"queries",       "keys", "values", "readout", "bias",
                                         "self_coupling", "beta", "alpha",  "gamma"};

static int directional(const oracle_memory *m, int part, const gradients *g, hfy_rng *rng, const size_t *steps,
                       const hfy_real *dout, size_t width, double *along, double *size, wide *slope)
{
    static const wide weight[] = {8 / 12.0L, -1 / 12.0L};
    static oracle_memory moved;
    static double direction[MAX_N * MAX_D];
    const hfy_net *net = &m->net;
    size_t D = net->dim, N = net->count, n = 0, i;
    const hfy_real *mine = NULL;
    wide h = 1e-6L, sum = 0;
    unsigned long here = 0;
    int k, side;
    switch (part) {
    case IN_QUERIES: n = m->n_queries * D, mine = g->queries; break;
    case IN_KEYS: n = N * D, mine = g->keys; break;
    case IN_VALUES: n = N * D, mine = g->values; break;
    case IN_READOUT: n = N * net->readout_dim, mine = g->readout; break;
    case IN_BIAS: n = (net->bias_stride ? m->n_queries : 1) * N, mine = g->bias; break;
    case IN_SELF: n = D, mine = g->self_coupling; break;
    default: n = 1; break;
    }
    *along = *size = 0;
    for (i = 0; i < n; i++) {
        double v = direction[i] = part >= IN_BETA ? 1 : hfy_rng_normal(rng);
        v *= mine ? (double)mine[i] : part == IN_BETA ? g->beta : part == IN_ALPHA ? g->alpha : g->gamma;
        *along += v, *size += fabs(v);
    }
    for (k = 0; k <= 2; k++)
        for (side = k ? -1 : 1; side <= 1; side += 2) {
            wide step = (wide)(side * k) * h, value;
            moved = *m;
            for (i = 0; i < n; i++) {
                if (part == IN_QUERIES) moved.queries[i] += step * direction[i];
                if (part == IN_KEYS) moved.keys[i] += step * direction[i];
                if (part == IN_VALUES || (part == IN_KEYS && !net->values)) moved.values[i] += step * direction[i];
                if (part == IN_READOUT) moved.readout[i] += step * direction[i];
                if (part == IN_BIAS) moved.bias[i] += step * direction[i];
                if (part == IN_SELF) moved.self_coupling[i] += step * direction[i];
                if (part == IN_BETA) moved.beta += step;
                if (part == IN_ALPHA) moved.alpha += step;
                if (part == IN_GAMMA) moved.gamma += step;
            }
            oracle_signature = 0;
            value = objective(&moved, steps, dout, width);
            if (!k) here = oracle_signature;
            if (oracle_signature != here) return 0;
            if (k) sum += (wide)side * weight[k - 1] * value / h;
        }
    *slope = sum;
    return 1;
}

/* A net's whole gradient against the oracle's slopes. Returns how many parts could be compared. */
static int gradient(fixture *f, const char *sep, const char *post, int more)
{
    static oracle_memory m;
    static gradients g;
    hfy_grad grad;
    hfy_real dout[MAX_B * MAX_D];
    hfy_rng rng = hfy_rng_seed(4242);
    size_t width = f->net.readout ? f->net.readout_dim : f->net.dim, steps[MAX_B];
    hfy_report report;
    int part, compared = 0;
    memset(&report, 0, sizeof report);
    report.steps = steps;
    normals(&rng, dout, f->B * width, 1);
    ask(&f->net, &g, &grad);
    CHECK(hfy_retrieve(&f->net, f->queries, f->B, f->out, &report, NULL) == HFY_OK);
    CHECK(hfy_retrieve_vjp(&f->net, f->queries, f->B, dout, &grad, NULL) == HFY_OK);
    oracle_load(&m, &f->net, f->queries, f->B);
    for (part = 0; part < PARTS; part++) {
        double along, size;
        wide slope;
        int before = check_errors;
        if (part == IN_VALUES && !f->net.values) continue;
        if (part == IN_READOUT && !f->net.readout) continue;
        if (part == IN_BIAS && !f->net.bias) continue;
        if (part == IN_SELF && !f->net.self_coupling) continue;
        if (part == IN_ALPHA && !grad.alpha) continue;
        if (part == IN_GAMMA && !grad.gamma) continue;
        if (!directional(&m, part, &g, &rng, steps, dout, width, &along, &size, &slope)) continue;
        compared++;
        size = 1 + size;
        if (!(size < 1e5)) continue; /* a cliff */
        CHECK_NEAR(along / size, (double)slope / size, sizeof(hfy_real) == 8 ? 1e-9 : 2e-4);
        if (check_errors != before && check_errors <= 5) printf("      d %s: ", part_names[part]);
        if (check_errors != before) show(sep, post, more);
    }
    return compared;
}

static void gradients_of(hfy_sim sim, size_t steps, unsigned options)
{
    fixture f;
    int s, p, compared = 0, total = 0;
    for (s = 0; s < 17; s++)
        for (p = 0; p < POSTS; p++) {
            const char *sep, *post;
            if (p == 2) continue; /* sign: 0 everywhere, see below */
            if (options && (s + p) % 3) continue;
            if (steps > 1 && sep_is_unbounded(s) && !post_is_bounded(p)) continue;
            make(&f, (uint64_t)(20000 + 20 * s + p), 5, 4, 2);
            sep = use_sep(&f, s);
            post = use_post(&f, p);
            f.net.sim = sim, f.net.max_steps = steps, f.net.beta = 0.6;
            with_options(&f, options);
            compared += gradient(&f, sep, post, (int)sim);
            total += 3;
        }
    CHECK(compared > total * 3 / 4);
}

TEST(gradient_dot_one_step) { gradients_of(HFY_SIM_DOT, 1, 0); }
TEST(gradient_cosine_one_step) { gradients_of(HFY_SIM_COSINE, 1, 0); }
TEST(gradient_euclidean_one_step) { gradients_of(HFY_SIM_EUCLIDEAN, 1, 0); }
TEST(gradient_manhattan_one_step) { gradients_of(HFY_SIM_MANHATTAN, 1, 0); }
TEST(gradient_dot_three_steps) { gradients_of(HFY_SIM_DOT, 3, 0); }
TEST(gradient_cosine_three_steps) { gradients_of(HFY_SIM_COSINE, 3, 0); }
TEST(gradient_euclidean_three_steps) { gradients_of(HFY_SIM_EUCLIDEAN, 3, 0); }
TEST(gradient_manhattan_three_steps) { gradients_of(HFY_SIM_MANHATTAN, 3, 0); }
TEST(gradient_with_values) { gradients_of(HFY_SIM_DOT, 2, 1); }
/* Keys that are unit vectors: the step is the separation itself, so its gradients are hfy_sep_vjp's. */
TEST(gradient_of_extreme_separations)
{
    enum { N = 6 };
    static const double extreme[] = {1.01, 10, 100, 200, 1e4, 1e8, 1e30};
    hfy_rng rng = hfy_rng_seed(71);
    hfy_real keys[N * N] = {0}, q[N], y[N], v[N], g[N], want[N];
    size_t c, i;
    for (i = 0; i < N; i++) keys[i * N + i] = 1;
    for (c = 0; c < 2 * COUNT(extreme); c++) {
        hfy_net net;
        hfy_grad grad;
        hfy_sep_grad alone;
        double got = 0, other = 8;
        memset(&net, 0, sizeof net);
        memset(g, 0, sizeof g);
        memset(&grad, 0, sizeof grad);
        memset(&alone, 0, sizeof alone);
        net.dim = net.count = N, net.keys = keys, net.beta = 1;
        net.sep.kind = c % 2 ? HFY_SEP_NORMMAX : HFY_SEP_ENTMAX;
        net.sep.alpha = net.sep.gamma = extreme[c / 2];
        *(c % 2 ? &grad.gamma : &grad.alpha) = &got, *(c % 2 ? &alone.gamma : &alone.alpha) = &other;
        for (i = 0; i < N; i++) {
            q[i] = (hfy_real)(hfy_rng_uniform(&rng) * (c % 2 ? 0.4 : 0.4 / extreme[c / 2]));
            v[i] = (hfy_real)hfy_rng_normal(&rng);
        }
        grad.queries = g, alone.theta = want;
        CHECK(hfy_sep_apply(&net.sep, q, 1, N, y, NULL) == HFY_OK);
        CHECK(hfy_sep_vjp(&net.sep, q, y, v, 1, N, &alone, NULL) == HFY_OK);
        CHECK(hfy_retrieve_vjp(&net, q, 1, v, &grad, NULL) == HFY_OK);
        for (i = 0; i < N; i++) CHECK(fabs((double)(g[i] - want[i])) <= 4 * REAL_EPS * fabs((double)want[i]));
        CHECK(fabs(got - other) <= 1e-13 * fabs(other));
    }
}

TEST(gradient_with_readout) { gradients_of(HFY_SIM_DOT, 2, 2); }
TEST(gradient_with_readout_one_step) { gradients_of(HFY_SIM_DOT, 1, 2); }
TEST(gradient_with_self_coupling) { gradients_of(HFY_SIM_DOT, 2, 4); }
TEST(gradient_with_bias) { gradients_of(HFY_SIM_EUCLIDEAN, 2, 8); }
TEST(gradient_with_bias_per_query) { gradients_of(HFY_SIM_DOT, 2, 16); }
TEST(gradient_with_leak) { gradients_of(HFY_SIM_DOT, 3, 64); }
TEST(gradient_with_everything) { gradients_of(HFY_SIM_COSINE, 3, 1 + 2 + 4 + 16 + 64 + 128 + 256); }

TEST(gradient_with_visible)
{
    fixture f;
    int s, compared = 0;
    for (s = 0; s < 17; s++) {
        const char *sep;
        if (s == 2 || s == 11 || s == 12) continue;
        make(&f, 21000 + (uint64_t)s, 6, 4, 3);
        sep = use_sep(&f, s);
        use_post(&f, 4);
        f.visible[0] = 5, f.visible[1] = 2, f.visible[2] = 3;
        f.net.visible = f.visible, f.net.max_steps = 2, f.net.beta = 0.6;
        compared += gradient(&f, sep, "l2 eps", 0);
    }
    CHECK(compared > 35);
}

TEST(gradient_every_entry)
{
    enum { N = 5, D = 3, B = 2, V = 2 };
    fixture f;
    static oracle_memory m;
    static gradients g;
    hfy_grad grad;
    hfy_real dout[B * V];
    hfy_rng rng = hfy_rng_seed(6);
    size_t steps[B] = {3, 3}, i;
    make(&f, 22000, N, D, B);
    use_sep(&f, 5);
    use_post(&f, 1);
    f.net.max_steps = 3;
    with_options(&f, 1 + 2 + 4 + 16);
    f.net.readout_dim = V;
    normals(&rng, dout, B * V, 1);
    ask(&f.net, &g, &grad);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, B, dout, &grad, NULL) == HFY_OK);
    oracle_load(&m, &f.net, f.queries, B);
    for (i = 0; i < B * D + 2 * N * D + N * V + B * N + D; i++) {
        size_t at = i;
        wide *where, keep, up, down, h = 1e-6L;
        const hfy_real *mine;
        if (at < B * D)
            where = m.queries + at, mine = g.queries + at;
        else if ((at -= B * D) < N * D)
            where = m.keys + at, mine = g.keys + at;
        else if ((at -= N * D) < N * D)
            where = m.values + at, mine = g.values + at;
        else if ((at -= N * D) < N * V)
            where = m.readout + at, mine = g.readout + at;
        else if ((at -= N * V) < B * N)
            where = m.bias + at, mine = g.bias + at;
        else
            at -= B * N, where = m.self_coupling + at, mine = g.self_coupling + at;
        keep = *where;
        *where = keep + h, up = objective(&m, steps, dout, V);
        *where = keep - h, down = objective(&m, steps, dout, V);
        *where = keep;
        CHECK_NEAR(*mine, (double)((up - down) / (2 * h)), sizeof(hfy_real) == 8 ? 1e-9 : 1e-5);
    }
}

TEST(gradient_through_a_stop)
{
    fixture f;
    size_t steps[2];
    hfy_report report;
    int s, compared = 0;
    memset(&report, 0, sizeof report);
    report.steps = steps;
    for (s = 0; s < 7; s++) {
        const char *sep;
        make(&f, 23000 + (uint64_t)s, 5, 4, 2);
        sep = use_sep(&f, s);
        f.net.max_steps = 7, f.net.beta = 0.3, f.net.tol = 0.2;
        CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, &report, NULL) == HFY_OK);
        CHECK(steps[0] < 7 && steps[1] < 7);
        compared += gradient(&f, sep, "none", 0);
    }
    CHECK(compared > 14);
}

TEST(gradient_is_added)
{
    fixture f;
    static gradients g, twice;
    hfy_grad grad;
    hfy_real dout[8];
    hfy_rng rng = hfy_rng_seed(7);
    size_t i;
    make(&f, 24000, 5, 4, 2);
    with_options(&f, 1 + 4 + 8);
    use_sep(&f, 6);
    normals(&rng, dout, 8, 1);
    ask(&f.net, &twice, &grad);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
    ask(&f.net, &g, &grad);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
    for (i = 0; i < 20; i++) CHECK_NEAR(twice.keys[i], 2 * (double)g.keys[i], 4 * REAL_EPS);
    for (i = 0; i < 20; i++) CHECK_NEAR(twice.values[i], 2 * (double)g.values[i], 4 * REAL_EPS);
    for (i = 0; i < 8; i++) CHECK_NEAR(twice.queries[i], 2 * (double)g.queries[i], 4 * REAL_EPS);
    for (i = 0; i < 5; i++) CHECK_NEAR(twice.bias[i], 2 * (double)g.bias[i], 4 * REAL_EPS);
    for (i = 0; i < 4; i++) CHECK_NEAR(twice.self_coupling[i], 2 * (double)g.self_coupling[i], 4 * REAL_EPS);
    CHECK_NEAR(twice.beta, 2 * g.beta, 1e-14);
    CHECK_NEAR(twice.alpha, 2 * g.alpha, 1e-14);
    CHECK(fabs(g.beta) > 1e-6 && fabs(g.alpha) > 1e-6);
}

TEST(gradient_members_alone)
{
    fixture f;
    static gradients all, one;
    hfy_grad grad, some;
    hfy_real dout[8];
    hfy_rng rng = hfy_rng_seed(8);
    int part;
    make(&f, 24100, 5, 4, 2);
    with_options(&f, 1 + 4 + 16);
    use_sep(&f, 8);
    f.net.max_steps = 2;
    normals(&rng, dout, 8, 1);
    ask(&f.net, &all, &grad);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
    for (part = 0; part < 7; part++) {
        ask(&f.net, &one, &grad);
        memset(&some, 0, sizeof some);
        if (part == 0) some.queries = grad.queries;
        if (part == 1) some.keys = grad.keys;
        if (part == 2) some.values = grad.values;
        if (part == 3) some.bias = grad.bias;
        if (part == 4) some.self_coupling = grad.self_coupling;
        if (part == 5) some.beta = grad.beta;
        if (part == 6) some.gamma = grad.gamma;
        CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &some, NULL) == HFY_OK);
        if (part == 0) CHECK(same_bits(one.queries, all.queries, sizeof one.queries));
        if (part == 1) CHECK(same_bits(one.keys, all.keys, sizeof one.keys));
        if (part == 2) CHECK(same_bits(one.values, all.values, sizeof one.values));
        if (part == 3) CHECK(same_bits(one.bias, all.bias, sizeof one.bias));
        if (part == 4) CHECK(same_bits(one.self_coupling, all.self_coupling, sizeof one.self_coupling));
        if (part == 5) CHECK_EQ(one.beta, all.beta);
        if (part == 6) CHECK_EQ(one.gamma, all.gamma);
        if (part != 1) CHECK(all_are(one.keys, COUNT(one.keys), 0));
    }
}

TEST(gradient_of_strided_arrays)
{
    enum { N = 5, D = 4, GAP = 2, B = 2, V = 3 };
    static hfy_real keys[N * (D + GAP)], values[N * (D + GAP)], readout[N * (V + GAP)], bias[B * (N + GAP)];
    static hfy_real dk[N * (D + GAP)], dv[N * (D + GAP)], dr[N * (V + GAP)], db[B * (N + GAP)];
    static gradients g;
    fixture f;
    hfy_grad grad;
    hfy_real dout[B * V];
    hfy_rng rng = hfy_rng_seed(9);
    hfy_net far;
    size_t i, d;
    make(&f, 24200, N, D, B);
    with_options(&f, 1 + 2 + 16);
    f.net.max_steps = 2;
    normals(&rng, dout, B * V, 1);
    ask(&f.net, &g, &grad);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, B, dout, &grad, NULL) == HFY_OK);
    for (i = 0; i < N; i++) {
        memcpy(keys + i * (D + GAP), f.keys + i * D, D * sizeof *keys);
        memcpy(values + i * (D + GAP), f.values + i * D, D * sizeof *values);
        memcpy(readout + i * (V + GAP), f.readout + i * V, V * sizeof *readout);
    }
    for (i = 0; i < B; i++) memcpy(bias + i * (N + GAP), f.bias + i * N, N * sizeof *bias);
    far = f.net;
    far.keys = keys, far.key_stride = D + GAP, far.values = values, far.value_stride = D + GAP;
    far.readout = readout, far.readout_stride = V + GAP, far.bias = bias, far.bias_stride = N + GAP;
    memset(&grad, 0, sizeof grad);
    grad.keys = dk, grad.values = dv, grad.readout = dr, grad.bias = db;
    CHECK(hfy_retrieve_vjp(&far, f.queries, B, dout, &grad, NULL) == HFY_OK);
    for (i = 0; i < N; i++) {
        CHECK(same_bits(dk + i * (D + GAP), g.keys + i * D, D * sizeof *dk));
        CHECK(same_bits(dv + i * (D + GAP), g.values + i * D, D * sizeof *dv));
        CHECK(same_bits(dr + i * (V + GAP), g.readout + i * V, V * sizeof *dr));
        for (d = 0; d < GAP; d++) CHECK_EQ(dk[i * (D + GAP) + D + d], 0);
        for (d = 0; d < GAP; d++) CHECK_EQ(dr[i * (V + GAP) + V + d], 0);
    }
    for (i = 0; i < B; i++) {
        CHECK(same_bits(db + i * (N + GAP), g.bias + i * N, N * sizeof *db));
        for (d = 0; d < GAP; d++) CHECK_EQ(db[i * (N + GAP) + N + d], 0);
    }
}

TEST(gradient_of_sign_and_argmax_is_0)
{
    fixture f;
    static gradients g;
    hfy_grad grad;
    hfy_real dout[8];
    make(&f, 24300, 5, 4, 2);
    use_post(&f, 2);
    fill(dout, 8, 1);
    ask(&f.net, &g, &grad);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
    CHECK(all_are(g.keys, 20, 0) && all_are(g.queries, 8, 0));
    CHECK_EQ(g.beta, 0);
    use_post(&f, 0);
    use_sep(&f, 17);
    ask(&f.net, &g, &grad);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
    CHECK(all_are(g.queries, 8, 0));
    CHECK(!all_are(g.keys, 20, 0)); /* the projection still moves with the patterns */
}

TEST(gradient_ignores_masked_patterns)
{
    enum { N = 5, D = 4 };
    fixture f;
    static gradients g;
    hfy_grad grad;
    hfy_real dout[2 * D];
    int s;
    fill(dout, 2 * D, 1);
    for (s = 0; s < 14; s++) {
        const char *sep;
        if (s == 2) continue;
        make(&f, 24400 + (uint64_t)s, N, D, 2);
        sep = use_sep(&f, s);
        f.net.max_steps = 2;
        f.bias[3] = (hfy_real)-HUGE_VAL;
        f.net.bias = f.bias;
        fill(f.keys + 3 * D, D, (double)not_a_number());
        ask(&f.net, &g, &grad);
        CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, NULL) == HFY_OK);
        CHECK(all_are(g.keys + 3 * D, D, 0));
        CHECK_EQ(g.bias[3], 0);
        CHECK(oracle_finite(g.keys[0]) && oracle_finite(g.queries[0]) && oracle_finite((wide)g.beta));
        show(sep, "none", s);
    }
}

TEST(gradient_of_bad_queries)
{
    fixture f;
    static gradients g, good;
    hfy_grad grad;
    hfy_real dout[12];
    hfy_rng rng = hfy_rng_seed(10);
    hfy_work work;
    size_t i;
    memset(&work, 0, sizeof work);
    make(&f, 24500, 5, 4, 3);
    normals(&rng, dout, 12, 1);
    ask(&f.net, &good, &grad);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 1, dout, &grad, NULL) == HFY_OK);
    CHECK(hfy_retrieve_vjp(&f.net, f.queries + 8, 1, dout + 8, &grad, NULL) == HFY_OK);
    f.queries[6] = not_a_number();
    ask(&f.net, &g, &grad);
    CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 3, dout, &grad, &work), HFY_ERR_NONFINITE, &work, "query 1");
    for (i = 0; i < 20; i++) CHECK_NEAR(g.keys[i], good.keys[i], 4 * REAL_EPS);
    CHECK_NEAR(g.beta, good.beta, 1e-14);
    CHECK(all_are(g.queries + 4, 4, 0) && !all_are(g.queries + 8, 4, 0));
    hfy_work_free(&work);
}

TEST(gradient_refusals)
{
    fixture f;
    static gradients g;
    hfy_grad grad;
    hfy_real dout[8];
    hfy_work work;
    memset(&work, 0, sizeof work);
    make(&f, 24600, 5, 4, 2);
    fill(dout, 8, 1);
    ask(&f.net, &g, &grad);
    grad.alpha = &g.alpha;
    CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "alpha");
    grad.alpha = NULL, grad.gamma = &g.gamma;
    CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "gamma");
    use_sep(&f, 18);
    CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_UNSUPPORTED, &work, "gamma");
    use_sep(&f, 0);
    grad.gamma = NULL, grad.values = g.values;
    CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work), HFY_ERR_ARG, &work, "values");
    grad.values = NULL;
    CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, NULL, &grad, &work), HFY_ERR_ARG, &work, "dout");
    CHECK_FAILS(hfy_retrieve_vjp(&f.net, NULL, 2, dout, &grad, &work), HFY_ERR_ARG, &work, "queries");
    CHECK_FAILS(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, NULL, &work), HFY_ERR_ARG, &work, "grad");
    CHECK_FAILS(hfy_retrieve_vjp(NULL, f.queries, 2, dout, &grad, &work), HFY_ERR_ARG, &work, "net");
    CHECK(all_are(g.keys, 20, 0) && all_are(g.queries, 8, 0));
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 0, dout, &grad, &work) == HFY_OK);
    use_sep(&f, 16); /* exp beyond the range: the state is bounded, the slope is not */
    use_post(&f, 1);
    f.net.beta = 1e6;
    CHECK(hfy_retrieve_vjp(&f.net, f.queries, 2, dout, &grad, &work) == HFY_ERR_UNSUPPORTED);
    CHECK(all_are(g.keys, 20, 0));
    hfy_work_free(&work);
}

/* --- checks --- */

TEST(check_fills_defaults_in)
{
    fixture f;
    hfy_net full;
    int sim, s;
    make(&f, 25000, 6, 9, 1);
    for (sim = 0; sim < 4; sim++)
        for (s = 0; s < SEPS; s++) {
            int one = sim != HFY_SIM_DOT || sep_is_unbounded(s);
            use_sep(&f, s);
            f.net.sim = (hfy_sim)sim;
            CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
            CHECK_NEAR(full.beta, one ? 1 : 1 / 3.0, 1e-15);
        }
    f.net.sim = HFY_SIM_DOT;
    use_sep(&f, 0);
    memset(&full, 0x5a, sizeof full);
    CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
    CHECK(full.dim == 9 && full.count == 6 && full.keys == f.keys && full.key_stride == 9);
    CHECK(full.max_steps == 1);
    CHECK_EQ(full.step, 1);
    CHECK_EQ(full.tol, 0);
    CHECK(full.value_stride == 9);
    CHECK_EQ(full.sep.alpha, 1.5);
    CHECK_EQ(full.sep.gamma, 2);
    CHECK_EQ(full.sep.degree, 3);
    CHECK_EQ(full.sep.rho, 1);
    CHECK_EQ(full.sep.k, 1);
    CHECK_EQ(full.post.beta, 1);
    CHECK_EQ(full.post.radius, 1);
    CHECK_EQ(full.post.eta, 1);
    CHECK_EQ(full.post.power, 1);
    CHECK(!full.bias && !full.visible && !full.readout && !full.self_coupling);
    f.net.key_stride = 11;
    CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
    CHECK(full.key_stride == 11 && full.value_stride == 11);
    f.net.values = f.values;
    CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
    CHECK(full.value_stride == 9 && full.values == f.values);
    f.net.readout = f.readout, f.net.readout_dim = 4;
    CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
    CHECK(full.readout_stride == 4);
    CHECK(hfy_net_check(&f.net, NULL, NULL) == HFY_OK);
}

TEST(resolved_nets_are_the_same_nets)
{
    fixture f;
    hfy_net full;
    hfy_real plain[8];
    int s, p;
    for (s = 0; s < SEPS; s++)
        for (p = 0; p < POSTS; p++) {
            if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
            make(&f, (uint64_t)(25100 + 20 * s + p), 5, 4, 2);
            use_sep(&f, s);
            use_post(&f, p);
            CHECK(hfy_net_check(&f.net, &full, NULL) == HFY_OK);
            CHECK(hfy_retrieve(&f.net, f.queries, 2, plain, NULL, NULL) == HFY_OK);
            CHECK(hfy_retrieve(&full, f.queries, 2, f.out, NULL, NULL) == HFY_OK);
            CHECK(same_bits(plain, f.out, sizeof plain));
        }
}

/* net_check, retrieve and its gradient all refuse, before anything is written */
static void refuse(const hfy_net *net, const char *word, const char *value)
{
    static gradients g;
    hfy_real q[64], out[64];
    hfy_grad grad;
    hfy_net full;
    hfy_work work;
    memset(&work, 0, sizeof work);
    memset(&full, 0x5a, sizeof full);
    memset(&grad, 0, sizeof grad);
    memset(&g, 0, sizeof g);
    grad.queries = g.queries;
    fill(q, 64, 0.5);
    fill(out, 64, 7);
    CHECK_FAILS(hfy_net_check(net, &full, &work), HFY_ERR_ARG, &work, word);
    CHECK_CONTAINS(work.message, value);
    CHECK_FAILS(hfy_retrieve(net, q, 2, out, NULL, &work), HFY_ERR_ARG, &work, word);
    CHECK_FAILS(hfy_retrieve_vjp(net, q, 2, q, &grad, &work), HFY_ERR_ARG, &work, word);
    CHECK(all_are(out, 64, 7) && all_are(g.queries, 64, 0));
    CHECK(hfy_net_check(net, &full, NULL) == HFY_ERR_ARG);
    CHECK(hfy_retrieve(net, q, 2, out, NULL, NULL) == HFY_ERR_ARG);
    hfy_work_free(&work);
}

static fixture bad;
#define REFUSED(change, word, value)   \
    do {                               \
        make(&bad, 26000, 5, 4, 2);    \
        change;                        \
        refuse(&bad.net, word, value); \
    } while (0)

TEST(shapes_out_of_range)
{
    REFUSED(bad.net.dim = 0, "dim", "0");
    REFUSED(bad.net.count = 0, "count", "0");
    REFUSED(bad.net.keys = NULL, "keys", "NULL");
    REFUSED(bad.net.key_stride = 3, "key_stride", "3");
    REFUSED((bad.net.values = bad.values, bad.net.value_stride = 2), "value_stride", "2");
    REFUSED(bad.net.readout = bad.readout, "readout_dim", "0");
    REFUSED((bad.net.readout = bad.readout, bad.net.readout_dim = 4, bad.net.readout_stride = 3), "readout_stride",
            "3");
    REFUSED((bad.net.bias = bad.bias, bad.net.bias_stride = 4), "bias_stride", "4");
    REFUSED(bad.net.count = SIZE_MAX / 2, "count", "cannot exist");
    REFUSED(bad.net.dim = SIZE_MAX / 8, "dim", "cannot exist");
    REFUSED(bad.net.key_stride = SIZE_MAX / 2, "", "cannot exist");
}

TEST(numbers_out_of_range)
{
    REFUSED(bad.net.beta = -1, "beta", "-1");
    REFUSED(bad.net.beta = HUGE_VAL, "beta", "inf");
    REFUSED(bad.net.beta = HUGE_VAL - HUGE_VAL, "beta", "nan");
    REFUSED(bad.net.step = -0.5, "step", "-0.5");
    REFUSED(bad.net.step = 1.5, "step", "1.5");
    REFUSED(bad.net.step = HUGE_VAL - HUGE_VAL, "step", "nan");
    REFUSED(bad.net.tol = -1e-20, "tol", "-1e-20");
    REFUSED(bad.net.tol = HUGE_VAL - HUGE_VAL, "tol", "nan");
    {
        unsigned wrong = 9;
        REFUSED(memcpy(&bad.net.sim, &wrong, sizeof wrong), "sim", "9");
    }
}

TEST(separations_out_of_range)
{
    REFUSED((bad.net.sep.kind = HFY_SEP_ENTMAX, bad.net.sep.alpha = -2), "alpha", "-2");
    REFUSED((bad.net.sep.kind = HFY_SEP_NORMMAX, bad.net.sep.gamma = 0.25), "gamma", "0.25");
    REFUSED((bad.net.sep.kind = HFY_SEP_POWER, bad.net.sep.degree = 1), "degree", "1");
    REFUSED((bad.net.sep.kind = HFY_SEP_KSUBSETS, bad.net.sep.k = 6), "k is", "6");
    REFUSED((bad.net.sep.kind = HFY_SEP_KSUBSETS, bad.net.sep.rho = -1), "rho", "-1");
    REFUSED((bad.net.sep.kind = HFY_SEP_ARGMAX, bad.net.sep.k = 1.5), "k is", "1.5");
    REFUSED((bad.more.kind = HFY_SEP_ENTMAX, bad.more.alpha = -3, bad.net.sep.plus = &bad.more), "alpha", "-3");
}

TEST(posts_out_of_range)
{
    REFUSED((bad.net.post.kind = HFY_POST_TANH, bad.net.post.beta = -1), "beta", "-1");
    REFUSED((bad.net.post.kind = HFY_POST_L2, bad.net.post.radius = -2), "radius", "-2");
    REFUSED((bad.net.post.kind = HFY_POST_L2, bad.net.post.eps = -0.5), "eps", "-0.5");
    REFUSED((bad.net.post.kind = HFY_POST_LAYERNORM, bad.net.post.dof_minus = 4), "dof_minus", "4");
    REFUSED((bad.net.post.kind = HFY_POST_LAYERNORM, bad.net.post.eta = -1), "eta", "-1");
    REFUSED(bad.net.post.kind = HFY_POST_LINEAR, "matrix", "NULL");
    REFUSED((bad.net.post.kind = HFY_POST_RECTIFIED_POWER, bad.net.post.power = -1), "power", "-1");
    REFUSED((bad.net.post.kind = HFY_POST_RECTIFIED_POWER, bad.net.post.sigma = -1), "sigma", "-1");
    REFUSED((bad.net.post.kind = HFY_POST_RECTIFIED_POWER, bad.net.post.theta = HUGE_VAL), "theta", "inf");
    {
        unsigned wrong = 44;
        REFUSED(memcpy(&bad.net.post.kind, &wrong, sizeof wrong), "kind", "44");
    }
}

TEST(null_arguments)
{
    fixture f;
    hfy_work work;
    memset(&work, 0, sizeof work);
    make(&f, 26100, 5, 4, 2);
    fill(f.out, 8, 7);
    CHECK_FAILS(hfy_retrieve(NULL, f.queries, 2, f.out, NULL, &work), HFY_ERR_ARG, &work, "net");
    CHECK_FAILS(hfy_retrieve(&f.net, NULL, 2, f.out, NULL, &work), HFY_ERR_ARG, &work, "queries");
    CHECK_FAILS(hfy_retrieve(&f.net, f.queries, 2, NULL, NULL, &work), HFY_ERR_ARG, &work, "out");
    CHECK_FAILS(hfy_net_check(NULL, NULL, &work), HFY_ERR_ARG, &work, "net");
    CHECK(hfy_retrieve(&f.net, f.queries, SIZE_MAX / 8, f.out, NULL, &work) == HFY_ERR_ARG);
    CHECK_CONTAINS(work.message, "n_queries");
    CHECK(all_are(f.out, 8, 7));
    CHECK(hfy_retrieve(&f.net, f.queries, 0, f.out, NULL, &work) == HFY_OK); /* no queries: nothing to do */
    CHECK(hfy_retrieve(&f.net, NULL, 0, NULL, NULL, &work) == HFY_OK);
    CHECK(all_are(f.out, 8, 7));
    hfy_work_free(&work);
}

TEST(nan_queries_beside_good_ones)
{
    enum { N = 6, D = 4, B = 5, T = 3, TOP = 2 };
    fixture f, clean;
    int s, p;
    for (s = 0; s < SEPS; s++)
        for (p = 0; p < POSTS; p += 2) {
            hfy_status status[B];
            size_t whole[B * (3 + TOP)], clean_whole[B * (3 + TOP)], j;
            double numbers[B * (T + 2)], clean_numbers[B * (T + 2)];
            hfy_real reals[B * (TOP + N)], clean_reals[B * (TOP + N)];
            hfy_status clean_status[B];
            hfy_report r, c;
            hfy_work work;
            const char *sep, *post;
            if (sep_is_unbounded(s) && !post_is_bounded(p)) continue;
            memset(&work, 0, sizeof work);
            make(&f, (uint64_t)(27000 + 20 * s + p), N, D, B);
            sep = use_sep(&f, s);
            post = use_post(&f, p);
            f.net.max_steps = T;
            everything(&r, status, whole, numbers, reals, B, N, T, TOP);
            everything(&c, clean_status, clean_whole, clean_numbers, clean_reals, B, N, T, TOP);
            if (!post_has_energy(p)) r.energy = c.energy = NULL;
            CHECK(hfy_retrieve(&f.net, f.queries, B, f.out, &c, &work) == HFY_OK);
            memcpy(clean.out, f.out, sizeof f.out);
            f.queries[1 * D + 2] = not_a_number();
            f.queries[3 * D] = (hfy_real)HUGE_VAL;
            fill(f.out, B * D, 7);
            memset(whole, 0x11, sizeof whole), memset(numbers, 0x11, sizeof numbers), memset(reals, 0x11, sizeof reals);
            CHECK_FAILS(hfy_retrieve(&f.net, f.queries, B, f.out, &r, &work), HFY_ERR_NONFINITE, &work, "query 1");
            for (j = 0; j < B; j++) {
                int good = j != 1 && j != 3;
                CHECK(status[j] == (good ? HFY_OK : HFY_ERR_NONFINITE));
                if (good) {
                    CHECK(same_bits(f.out + j * D, clean.out + j * D, D * sizeof *f.out));
                    CHECK(r.best[j] == c.best[j] && r.support[j] == c.support[j] && r.steps[j] == c.steps[j]);
                    CHECK(same_bits(r.weights + j * N, c.weights + j * N, N * sizeof *reals));
                } else {
                    size_t marked = 0;
                    double marked_number;
                    memset(&marked, 0x11, sizeof marked);
                    memset(&marked_number, 0x11, sizeof marked_number);
                    CHECK(all_are(f.out + j * D, D, 7));
                    CHECK(r.best[j] == marked && r.support[j] == marked && r.steps[j] == marked);
                    CHECK(r.top_index[j * TOP] == marked);
                    CHECK(same_bits(&r.residual[j], &marked_number, sizeof marked_number));
                    CHECK(!r.energy || same_bits(&r.energy[j * (T + 1)], &marked_number, sizeof marked_number));
                    CHECK(same_bits(&r.weights[j * N], &marked_number, sizeof *reals));
                    CHECK(same_bits(&r.top_weight[j * TOP], &marked_number, sizeof *reals));
                }
            }
            show(sep, post, p);
            hfy_work_free(&work);
        }
}

TEST(nan_patterns)
{
    fixture f;
    hfy_status status[2];
    hfy_report report;
    memset(&report, 0, sizeof report);
    report.status = status;
    make(&f, 27500, 5, 4, 2);
    f.keys[9] = not_a_number();
    fill(f.out, 8, 7);
    CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, &report, NULL) == HFY_ERR_NONFINITE);
    CHECK(status[0] == HFY_ERR_NONFINITE && status[1] == HFY_ERR_NONFINITE);
    CHECK(all_are(f.out, 8, 7));
    make(&f, 27500, 5, 4, 2);
    f.net.values = f.values;
    f.values[2] = not_a_number(); /* a state that is not finite */
    fill(f.out, 8, 7);
    CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, &report, NULL) == HFY_ERR_NONFINITE);
    CHECK(all_are(f.out, 8, 7));
}

TEST(states_beyond_the_range)
{
    fixture f;
    make(&f, 27600, 5, 4, 1);
    use_sep(&f, 14); /* identity without a bound: grows like a power */
    f.net.max_steps = 4000;
    f.net.beta = 100;
    fill(f.out, 4, 7);
    CHECK(hfy_retrieve(&f.net, f.queries, 1, f.out, NULL, NULL) == HFY_ERR_NONFINITE);
    CHECK(all_are(f.out, 4, 7));
}

TEST(bounds_that_cannot_be_met)
{
    fixture f;
    hfy_status status[2];
    hfy_report report;
    size_t i;
    memset(&report, 0, sizeof report);
    report.status = status;
    make(&f, 27700, 5, 4, 2);
    use_sep(&f, 2);
    for (i = 0; i < 5; i++) f.upper[i] = 0.25, f.upper[5 + i] = 0.1;
    f.net.sep.bound_stride = 5;
    fill(f.out, 8, 7);
    CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, &report, NULL) == HFY_ERR_INFEASIBLE);
    CHECK(status[0] == HFY_OK && status[1] == HFY_ERR_INFEASIBLE);
    CHECK(!all_are(f.out, 4, 7) && all_are(f.out + 4, 4, 7));
    make(&f, 27700, 5, 4, 2);
    use_sep(&f, 11);
    f.visible[0] = 1, f.visible[1] = 5;
    f.net.visible = f.visible;
    fill(f.out, 8, 7);
    CHECK(hfy_retrieve(&f.net, f.queries, 2, f.out, &report, NULL) == HFY_ERR_ARG); /* k above the unmasked */
    CHECK(status[0] == HFY_ERR_ARG && status[1] == HFY_OK);
    CHECK(all_are(f.out, 4, 7) && !all_are(f.out + 4, 4, 7));
}

/* exp memory: e^theta far beyond hfy_real, and far below */
TEST(exp_memory_of_huge_scores)
{
    enum { N = 6, D = 24 };
    static hfy_real keys[N * D], q[D], out[D], z[D], weights[N];
    hfy_rng rng = hfy_rng_seed(71);
    hfy_net net;
    hfy_report report;
    size_t i, d;
    memset(&net, 0, sizeof net);
    memset(&report, 0, sizeof report);
    report.weights = weights;
    for (i = 0; i < N * D; i++) keys[i] = (hfy_real)hfy_rng_sign(&rng);
    for (d = 0; d < D; d++) q[d] = d < 3 ? -keys[d] : keys[d];
    net.dim = D, net.count = N, net.keys = keys, net.sep.kind = HFY_SEP_EXP;
    net.beta = 1000;
    net.max_steps = 5;
    net.post.kind = HFY_POST_SIGN;
    CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
    CHECK(same_bits(out, keys, sizeof out));
    CHECK_EQ(weights[0], HUGE_VAL);
    net.post.kind = HFY_POST_TANH;
    CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
    CHECK(same_bits(out, keys, sizeof out));
    net.post.kind = HFY_POST_L2; /* a direction: the scale drops out */
    net.max_steps = 1;
    CHECK(hfy_retrieve(&net, q, 1, z, NULL, NULL) == HFY_OK);
    for (d = 0; d < D; d++) CHECK_NEAR(z[d], (double)keys[d] / sqrt((double)D), REAL_TOL(4));
    net.post.kind = HFY_POST_LAYERNORM;
    CHECK(hfy_retrieve(&net, q, 1, z, NULL, NULL) == HFY_OK);
    net.post.kind = HFY_POST_NONE; /* no bound: the state itself leaves the range */
    CHECK(hfy_retrieve(&net, q, 1, z, NULL, NULL) == HFY_ERR_NONFINITE);
    for (i = 0; i < N * D; i++) keys[i] = (hfy_real)fabs((double)keys[i]); /* all scores at -24000: e^theta is 0 */
    fill(q, D, -1);
    net.post.kind = HFY_POST_TANH;
    CHECK(hfy_retrieve(&net, q, 1, out, &report, NULL) == HFY_OK);
    for (d = 0; d < D; d++) CHECK_EQ(out[d], 0);
    CHECK_EQ(weights[0], 0);
}

TEST(many_queries_and_patterns)
{
    enum { N = 700, D = 30, B = 90 };
    static hfy_real keys[N * D], q[B * D], out[B * D];
    static size_t best[B];
    hfy_rng rng = hfy_rng_seed(81);
    hfy_net net;
    hfy_report report;
    size_t j, d;
    int s;
    memset(&report, 0, sizeof report);
    report.best = best;
    normals(&rng, keys, N * D, 1);
    for (j = 0; j < B; j++)
        for (d = 0; d < D; d++) q[j * D + d] = keys[7 * j * D + d] + (hfy_real)(0.3 * hfy_rng_normal(&rng));
    for (s = 0; s < 4; s++) {
        memset(&net, 0, sizeof net);
        net.dim = D, net.count = N, net.keys = keys, net.beta = 8, net.max_steps = 6;
        net.sep.kind = s == 0   ? HFY_SEP_SPARSEMAX
                       : s == 1 ? HFY_SEP_ENTMAX
                       : s == 2 ? HFY_SEP_NORMMAX
                                : HFY_SEP_SOFTMAX;
        CHECK(hfy_retrieve(&net, q, B, out, &report, NULL) == HFY_OK);
        for (j = 0; j < B; j++) {
            CHECK(best[j] == 7 * j);
            if (s < 3) CHECK(same_bits(out + j * D, keys + 7 * j * D, D * sizeof *out));
        }
    }
}

int main(int argc, char **argv)
{
    CHECK_BEGIN(argc, argv);
    RUN(row_patterns);
    RUN(row_softmax);
    RUN(row_entmax);
    RUN(row_sparsemax);
    RUN(row_normmax_2);
    RUN(row_normmax_5);
    RUN(row_ksubsets);
    RUN(row_l2);
    RUN(row_layernorm);
    RUN(row_tanh_memories);
    RUN(row_sum_of_energies);
    RUN(row_exp_memory_without_overflow);
    RUN(row_bounds_of_proposition_7);
    RUN(row_energy_constants);
    RUN(row_reverse_softmax);
    RUN(row_reverse_entmax_l2);
    RUN(row_reverse_normmax_layernorm);
    RUN(row_reverse_ksubsets_tanh);
    RUN(row_fixed_point_without_margin);
    RUN(row_forgetting_through_the_bias);
    RUN(row_classical_network);
    RUN(dot_one_step);
    RUN(cosine_one_step);
    RUN(euclidean_one_step);
    RUN(manhattan_one_step);
    RUN(dot_four_steps);
    RUN(cosine_four_steps);
    RUN(euclidean_four_steps);
    RUN(manhattan_four_steps);
    RUN(every_option_alone);
    RUN(options_in_company);
    RUN(larger_nets);
    RUN(batch_is_single_queries_to_the_bit);
    RUN(large_batch_is_single_queries_to_the_bit);
    RUN(queries_that_meet_go_where_each_would_alone);
    RUN(a_walk_is_a_chain_of_single_steps);
    RUN(out_may_be_the_queries);
    RUN(strides);
    RUN(one_hot_copies_the_pattern_to_the_bit);
    RUN(one_pass_is_plain_small);
    RUN(one_pass_is_plain_in_tiles);
    RUN(one_pass_is_plain_when_everything_is_a_candidate);
    RUN(one_pass_is_plain_when_the_best_comes_last);
    RUN(one_pass_is_plain_with_many_ties);
    RUN(one_pass_is_plain_with_an_outlier);
    RUN(projections_of_many_rows_are_accurate);
    RUN(masked_patterns_are_not_there);
    RUN(invisible_patterns_are_not_there);
    RUN(a_masked_query_is_alone_in_its_batch);
    RUN(all_visible_is_no_mask);
    RUN(everything_masked);
    RUN(max_steps_0_is_1);
    RUN(many_steps_are_one_step_many_times);
    RUN(a_stored_pattern_stands_still);
    RUN(every_query_stops_on_its_own);
    RUN(tol_and_residual);
    RUN(a_cycle_of_two);
    RUN(cycles_of_classical_nets);
    RUN(cycles_of_nets_with_negative_feedback);
    RUN(a_cycle_in_the_last_bits_ends_a_walk);
    RUN(readout_is_of_the_last_weights);
    RUN(attention_by_a_plain_loop);
    RUN(causal_attention);
    RUN(classical_net_without_self_coupling);
    RUN(hetero_association_by_values_and_by_a_matrix);
    RUN(noisy_patterns_are_recalled_under_every_similarity);
    RUN(report_agrees_with_its_weights);
    RUN(report_fields_alone_are_as_together);
    RUN(report_top_longer_than_the_memory);
    RUN(report_ties_by_index);
    RUN(report_energy_is_the_energy_of_the_states);
    RUN(energy_by_its_formula);
    RUN(energy_never_rises_none);
    RUN(energy_never_rises_tanh);
    RUN(energy_never_rises_sign);
    RUN(energy_never_rises_l2);
    RUN(energy_never_rises_l2_eps);
    RUN(energy_never_rises_layernorm);
    RUN(energy_never_rises_layernorm_eps);
    RUN(energy_never_rises_linear);
    RUN(energy_never_rises_rectified);
    RUN(energy_is_a_difference_of_losses);
    RUN(energy_within_its_bounds);
    RUN(energy_outside_its_domain_is_infinite);
    RUN(energy_where_none_exists);
    RUN(energy_of_bad_queries);
    RUN(gradient_dot_one_step);
    RUN(gradient_cosine_one_step);
    RUN(gradient_euclidean_one_step);
    RUN(gradient_manhattan_one_step);
    RUN(gradient_dot_three_steps);
    RUN(gradient_cosine_three_steps);
    RUN(gradient_euclidean_three_steps);
    RUN(gradient_manhattan_three_steps);
    RUN(gradient_with_values);
    RUN(gradient_of_extreme_separations);
    RUN(gradient_with_readout);
    RUN(gradient_with_readout_one_step);
    RUN(gradient_with_self_coupling);
    RUN(gradient_with_bias);
    RUN(gradient_with_bias_per_query);
    RUN(gradient_with_leak);
    RUN(gradient_with_everything);
    RUN(gradient_with_visible);
    RUN(gradient_every_entry);
    RUN(gradient_through_a_stop);
    RUN(gradient_is_added);
    RUN(gradient_members_alone);
    RUN(gradient_of_strided_arrays);
    RUN(gradient_of_sign_and_argmax_is_0);
    RUN(gradient_ignores_masked_patterns);
    RUN(gradient_of_bad_queries);
    RUN(gradient_refusals);
    RUN(check_fills_defaults_in);
    RUN(resolved_nets_are_the_same_nets);
    RUN(shapes_out_of_range);
    RUN(numbers_out_of_range);
    RUN(separations_out_of_range);
    RUN(posts_out_of_range);
    RUN(null_arguments);
    RUN(nan_queries_beside_good_ones);
    RUN(nan_patterns);
    RUN(states_beyond_the_range);
    RUN(bounds_that_cannot_be_met);
    RUN(exp_memory_of_huge_scores);
    RUN(many_queries_and_patterns);
    return CHECK_END();
}
