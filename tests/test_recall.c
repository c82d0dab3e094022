/* test_recall.c: free and sequential recall: reference rows, plain versions of the algorithms, the stepper against the
   single call, masks, the clean end, scores, biases, every status. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"

enum { MAX_N = 64, MAX_D = 32 };

static hfy_work work;
static hfy_real keys[MAX_N * MAX_D];

static hfy_real not_a_number(void)
{
    hfy_real inf = (hfy_real)HUGE_VAL;
    return inf - inf;
}

static void uniforms(uint64_t seed, size_t n)
{
    hfy_rng rng = hfy_rng_seed(seed);
    size_t i;
    for (i = 0; i < n; i++) keys[i] = (hfy_real)(2 * hfy_rng_uniform(&rng) - 1);
}

static hfy_net net_of(size_t count, size_t dim, double beta, double alpha)
{
    hfy_net net;
    memset(&net, 0, sizeof net);
    net.dim = dim, net.count = count, net.keys = keys, net.beta = beta;
    net.sep.kind = HFY_SEP_ENTMAX, net.sep.alpha = alpha;
    return net;
}

static hfy_recall how_of(hfy_recall_kind kind, size_t steps)
{
    hfy_recall how;
    memset(&how, 0, sizeof how);
    how.kind = kind, how.inner_steps = steps;
    return how;
}

static int is(const size_t *items, const size_t *want, size_t n) { return !memcmp(items, want, n * sizeof *items); }

/* --- reference rows --- */

TEST(rows_of_free_recall)
{
    static const size_t bounded[12] = {0, 9, 11, 10, 5, 4, 8, 3, 7, 2, 1, 6};
    static const size_t penalised[3][12] = {{10, 5, 5, 5, 5, 5, 5, 5, 10, 5, 10, 5},
                                            {0, 9, 9, 4, 6, 9, 10, 9, 4, 8, 3, 2},
                                            {0, 9, 10, 5, 4, 2, 9, 3, 8, 6, 9, 7}};
    static const double unique[3] = {2.0 / 12, 8.0 / 12, 10.0 / 12};
    static const double alpha[3] = {1, 1.5, 2};
    hfy_net net = net_of(12, 20, 0.5, 1);
    hfy_recall how = how_of(HFY_RECALL_BOUNDED, 5);
    size_t items[16], made = 99, i;
    double ratio;
    uniforms(12, 240);
    CHECK(hfy_recall_all(&net, &how, keys, 0, items, &made, &work) == HFY_OK);
    CHECK(made == 12 && is(items, bounded, 12));
    CHECK(hfy_recall_unique(items, 12, 12, &ratio, &work) == HFY_OK && ratio >= 1);
    how.kind = HFY_RECALL_PENALISED, how.penalty = 1e4, how.decay = 0.01;
    for (i = 0; i < 3; i++) {
        net.sep.alpha = alpha[i];
        CHECK(hfy_recall_all(&net, &how, keys, 12, items, &made, &work) == HFY_OK);
        CHECK(made == 12 && is(items, penalised[i], 12));
        CHECK(hfy_recall_unique(items, 12, 12, &ratio, &work) == HFY_OK);
        CHECK_NEAR(ratio, unique[i], 1e-15);
    }
}

TEST(rows_of_sequential_recall)
{
    static const size_t want[2][24] = {
        {1, 2, 22, 23, 22, 4, 3, 2, 22, 21, 22, 23, 22, 7, 6, 7, 19, 20, 10, 11, 16, 15, 16, 10},
        {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 22}};
    static const size_t distance[2] = {22, 1};
    static const double unique[2] = {0.625, 23.0 / 24};
    hfy_net net = net_of(24, 30, 0.1, 2);
    hfy_recall how = how_of(HFY_RECALL_SEQUENTIAL, 20);
    size_t items[24], following[24], far, i;
    double ratio, coefficient;
    uniforms(13, 720);
    for (i = 0; i < 24; i++) following[i] = i + 1;
    how.penalty = 1e4, how.decay = 0.01, how.boost = 1.1, how.transition = 1e3;
    for (i = 0; i < 2; i++) {
        how.rho = (double)(i + 1);
        CHECK(hfy_recall_all(&net, &how, keys, 0, items, NULL, &work) == HFY_OK);
        CHECK(is(items, want[i], 24));
        CHECK(hfy_recall_unique(items, 24, 24, &ratio, &work) == HFY_OK);
        CHECK_NEAR(ratio, unique[i], 1e-15);
        CHECK(hfy_recall_levenshtein(items, 24, following, 24, &far, &coefficient, &work) == HFY_OK);
        CHECK_EQ(far, distance[i]);
        CHECK_NEAR(coefficient, 1 - (double)distance[i] / 24, 1e-15);
    }
    how.rho = 0, how.inner_beta = 1, how.boost = 0; /* the defaults are those of the first row */
    CHECK(hfy_recall_all(&net, &how, keys, 0, items, NULL, &work) == HFY_OK && is(items, want[0], 24));
    how.inner_beta = 0.01; /* and each of these matters */
    CHECK(hfy_recall_all(&net, &how, keys, 0, items, NULL, &work) == HFY_OK && !is(items, want[0], 24));
    how.inner_beta = 0, how.boost = 3;
    CHECK(hfy_recall_all(&net, &how, keys, 0, items, NULL, &work) == HFY_OK && !is(items, want[0], 24));
}

TEST(levenshtein)
{
    static const size_t a[4] = {1, 2, 3, 4}, b[3] = {2, 3, 5}, none[1] = {0};
    static const size_t kitten[6] = {10, 8, 19, 19, 4, 13}, sitting[7] = {18, 8, 19, 19, 8, 13, 6};
    size_t far;
    double coefficient;
    CHECK(hfy_recall_levenshtein(a, 4, b, 3, &far, &coefficient, &work) == HFY_OK);
    CHECK_EQ(far, 2);
    CHECK_EQ(coefficient, 0.5);
    CHECK(hfy_recall_levenshtein(b, 3, a, 4, &far, NULL, &work) == HFY_OK && far == 2);
    CHECK(hfy_recall_levenshtein(kitten, 6, sitting, 7, &far, NULL, &work) == HFY_OK && far == 3);
    CHECK(hfy_recall_levenshtein(a, 4, none, 0, &far, &coefficient, &work) == HFY_OK && far == 4);
    CHECK_EQ(coefficient, 0);
    CHECK(hfy_recall_levenshtein(a, 4, a, 4, &far, &coefficient, NULL) == HFY_OK && far == 0);
    CHECK_EQ(coefficient, 1);
    CHECK_FAILS(hfy_recall_levenshtein(a, 0, b, 3, &far, NULL, &work), HFY_ERR_ARG, &work, "count is 0");
    CHECK_FAILS(hfy_recall_levenshtein(NULL, 4, b, 3, &far, NULL, &work), HFY_ERR_ARG, &work, "items is NULL");
    CHECK_FAILS(hfy_recall_levenshtein(a, 4, NULL, 3, &far, NULL, &work), HFY_ERR_ARG, &work, "reference is NULL");
    CHECK_FAILS(hfy_recall_levenshtein(a, 4, b, SIZE_MAX / 2, &far, NULL, &work), HFY_ERR_NOMEM, &work, "");
}

TEST(unique_ratio)
{
    const size_t items[6] = {3, 1, 3, SIZE_MAX, 0, 1};
    double ratio = -1;
    CHECK(hfy_recall_unique(items, 6, 4, &ratio, &work) == HFY_OK);
    CHECK_EQ(ratio, 0.75);
    CHECK(hfy_recall_unique(NULL, 0, 4, &ratio, &work) == HFY_OK);
    CHECK_EQ(ratio, 0);
    CHECK_FAILS(hfy_recall_unique(items, 6, 3, &ratio, &work), HFY_ERR_ARG, &work, "entry 0 is 3");
    CHECK_FAILS(hfy_recall_unique(items, 6, 0, &ratio, &work), HFY_ERR_ARG, &work, "n is 0");
    CHECK_FAILS(hfy_recall_unique(NULL, 6, 4, &ratio, &work), HFY_ERR_ARG, &work, "items is NULL");
    CHECK_FAILS(hfy_recall_unique(items, 6, 4, NULL, &work), HFY_ERR_ARG, &work, "ratio is NULL");
}

/* Causal mask and forgetting in the net: MHN A443. */
TEST(row_causal_with_forgetting)
{
    static const double p[4] = {0.490649292533549, 0.483747860281172, 0.00143537502481754, 0.0241674721604617};
    static const double q1[3] = {0.402132583786235, -0.611598830381377, -1.76409326516094};
    const double tol = REAL_EPS > 1e-10 ? 2e-6 : 1e-12;
    hfy_rng rng = hfy_rng_seed(1);
    hfy_net net = net_of(5, 3, 1.3, 1);
    hfy_report report;
    hfy_real q0[3], out[3], bias[5], weights[5];
    double energy, largest = 0;
    size_t i, d;
    for (i = 0; i < 15; i++) keys[i] = (hfy_real)hfy_rng_normal(&rng);
    for (i = 0; i < 3; i++) q0[i] = (hfy_real)hfy_rng_normal(&rng);
    CHECK(hfy_recall_bias(0.25, 4, 1, 5, bias, &work) == HFY_OK);
    net.bias = bias;
    memset(&report, 0, sizeof report);
    report.weights = weights;
    CHECK(hfy_retrieve(&net, q0, 1, out, &report, &work) == HFY_OK);
    for (i = 0; i < 4; i++) CHECK_NEAR(weights[i], p[i], tol);
    CHECK_EQ(weights[4], 0);
    for (d = 0; d < 3; d++) CHECK_NEAR(out[d], q1[d], tol);
    CHECK(hfy_energy(&net, q0, 1, &energy, &work) == HFY_OK);
    for (i = 0; i < 4; i++) {
        double square = 0;
        for (d = 0; d < 3; d++) square += (double)keys[i * 3 + d] * (double)keys[i * 3 + d];
        if (square > largest) largest = square;
    }
    CHECK_NEAR(energy + log(4.0) / 1.3 + largest / 2, 3.99819055082412, 4 * tol);
}

TEST(biases)
{
    hfy_real bias[5 * 4];
    size_t i, j;
    CHECK(hfy_recall_bias(0.5, 2, 5, 4, bias, &work) == HFY_OK);
    for (j = 0; j < 5; j++) {
        size_t seen = j + 2 < 4 ? j + 2 : 4;
        for (i = 0; i < 4; i++) {
            if (i < seen)
                CHECK_EQ(bias[j * 4 + i], -0.5 * (double)(seen - 1 - i));
            else
                CHECK((double)bias[j * 4 + i] < -REAL_MAX);
        }
    }
    CHECK(hfy_recall_bias(0, 1, 4, 4, bias, NULL) == HFY_OK);
    CHECK(!signbit((double)bias[0]) && bias[0] <= 0 && (double)bias[1] < -REAL_MAX && bias[15] >= 0);
    CHECK(hfy_recall_bias(1, 1, 0, 4, NULL, NULL) == HFY_OK);
    bias[0] = 9;
    CHECK_FAILS(hfy_recall_bias(-1, 1, 1, 4, bias, &work), HFY_ERR_ARG, &work, "forget is -1");
    CHECK_FAILS(hfy_recall_bias((double)not_a_number(), 1, 1, 4, bias, &work), HFY_ERR_ARG, &work, "forget is nan");
    CHECK_FAILS(hfy_recall_bias(0, 0, 1, 4, bias, &work), HFY_ERR_ARG, &work, "first is 0");
    CHECK_FAILS(hfy_recall_bias(0, 5, 1, 4, bias, &work), HFY_ERR_ARG, &work, "first is 5");
    CHECK_FAILS(hfy_recall_bias(0, 1, 1, 4, NULL, &work), HFY_ERR_ARG, &work, "bias is NULL");
    CHECK_FAILS(hfy_recall_bias(0, 1, SIZE_MAX / 2, 4, bias, &work), HFY_ERR_ARG, &work, "rows");
    CHECK_EQ(bias[0], 9);
}

/* --- the algorithms once more, as they are printed, in plain double --- */

static void plain_scores(size_t n, size_t dim, double beta, const double *q, double *theta)
{
    size_t i, d;
    for (i = 0; i < n; i++)
        for (d = 0, theta[i] = 0; d < dim; d++) theta[i] += beta * (double)keys[i * dim + d] * q[d];
}

/* constrained sparsemax by bisection */
static void plain_bounded(size_t n, const double *theta, const double *u, double *p)
{
    double low = -1e6, high = 1e6, sum;
    size_t i, step;
    for (step = 0; step < 200; step++) {
        double tau = (low + high) / 2;
        for (i = 0, sum = 0; i < n; i++) {
            p[i] = theta[i] - tau;
            p[i] = p[i] < 0 ? 0 : p[i] > u[i] ? u[i] : p[i];
            sum += p[i];
        }
        if (sum > 1)
            low = tau;
        else
            high = tau;
    }
}

static void plain_softmax(size_t n, const double *theta, double *p)
{
    double top = theta[0], sum = 0;
    size_t i;
    for (i = 1; i < n; i++)
        if (theta[i] > top) top = theta[i];
    for (i = 0; i < n; i++) sum += p[i] = exp(theta[i] - top);
    for (i = 0; i < n; i++) p[i] /= sum;
}

static void plain_project(size_t n, size_t dim, const double *p, double *q)
{
    size_t i, d;
    for (d = 0; d < dim; d++)
        for (i = 0, q[d] = 0; i < n; i++) q[d] += p[i] * (double)keys[i * dim + d];
}

TEST(free_recall_as_printed)
{
    size_t seed, i, t, d, total = 0, same = 0;
    for (seed = 0; seed < 12; seed++) {
        const size_t n = 5 + seed, dim = 10 + seed % 5, T = 4;
        const double beta = 0.6, lambda = 300, tau = 0.05;
        double q[MAX_D], u[MAX_N], a[MAX_N], p[MAX_N], theta[MAX_N];
        size_t items[MAX_N], want[MAX_N], kind;
        for (kind = 0; kind < 2; kind++) {
            hfy_net net = net_of(n, dim, beta, 1);
            hfy_recall how = how_of(kind ? HFY_RECALL_PENALISED : HFY_RECALL_BOUNDED, T);
            uniforms(1000 + seed, n * dim);
            how.penalty = lambda, how.decay = tau;
            for (d = 0; d < dim; d++) q[d] = (double)keys[d];
            for (i = 0; i < n; i++) u[i] = 1, a[i] = 0;
            for (i = 0; i < n; i++) {
                size_t j;
                if (kind) {
                    plain_scores(n, dim, beta, q, theta);
                    for (j = 0; j < n; j++) theta[j] -= beta * lambda * a[j];
                    plain_softmax(n, theta, p);
                    for (j = 0; j < n; j++) a[j] = tau * p[j] + (1 - tau) * a[j];
                    plain_project(n, dim, p, q);
                }
                for (t = 0; t < T; t++) {
                    plain_scores(n, dim, beta, q, theta);
                    if (kind)
                        plain_softmax(n, theta, p);
                    else
                        plain_bounded(n, theta, u, p);
                    plain_project(n, dim, p, q);
                }
                for (j = 0; !kind && j < n; j++) u[j] = u[j] > p[j] ? u[j] - p[j] : 0;
                for (j = 1, want[i] = 0; j < n; j++)
                    if (p[j] > p[want[i]] + 1e-9) want[i] = j;
            }
            CHECK(hfy_recall_all(&net, &how, keys, 0, items, NULL, &work) == HFY_OK);
            for (i = 0; i < n; i++) same += items[i] == want[i], total++;
        }
    }
    CHECK(same + (REAL_EPS > 1e-10 ? total / 50 : 0) >= total); /* float: a near tie may fall the other way */
}

/* --- the stepper --- */

TEST(step_by_step_is_the_same)
{
    hfy_recall_kind kind;
    for (kind = HFY_RECALL_BOUNDED; kind <= HFY_RECALL_SEQUENTIAL; kind = (hfy_recall_kind)(kind + 1)) {
        hfy_net net = net_of(16, 24, 0.3, 2);
        hfy_recall how = how_of(kind, 7);
        hfy_recall_state state, fork;
        double left[16], left2[16];
        hfy_real query[24], query2[24], weights[16], weights2[16];
        size_t items[16], item, i;
        uniforms(77, 16 * 24);
        memset(&state, 0, sizeof state);
        state.left = left, state.query = query, state.weights = weights;
        CHECK(hfy_recall_all(&net, &how, keys + 24, 0, items, NULL, &work) == HFY_OK);
        memcpy(query, keys + 24, sizeof query);
        CHECK(hfy_recall_begin(&net, &how, query, &state, &work) == HFY_OK); /* the cue may be the state itself */
        for (i = 0; i < 16; i++) {
            double sum = 0;
            size_t j;
            if (i == 9) { /* branch off */
                fork = state, fork.left = left2, fork.query = query2, fork.weights = weights2;
                memcpy(left2, left, sizeof left), memcpy(query2, query, sizeof query);
            }
            CHECK(hfy_recall_next(&net, &how, &state, &item, NULL) == HFY_OK);
            CHECK(item == items[i] && state.recalled == i + 1 && !state.exhausted);
            for (j = 0; j < 16; j++) sum += (double)weights[j];
            CHECK_NEAR(sum, 1, 1e-5);
            for (j = 0; j < 16; j++) CHECK(weights[j] <= weights[item]);
        }
        for (i = 9; i < 16; i++) {
            CHECK(hfy_recall_next(&net, &how, &fork, &item, &work) == HFY_OK);
            CHECK(item == items[i]);
        }
        CHECK(!memcmp(query, query2, sizeof query) && !memcmp(left, left2, sizeof left));
    }
}

TEST(it_ends_when_all_is_taken)
{
    size_t seed;
    for (seed = 0; seed < 10; seed++) {
        const size_t n = 3 + seed * 5;
        hfy_net net = net_of(n, 12, 0.05 + 0.1 * (double)seed, 0);
        hfy_recall how = how_of(HFY_RECALL_BOUNDED, 0);
        hfy_recall_state state;
        double left[MAX_N];
        hfy_real query[12], weights[MAX_N], before[12];
        size_t items[MAX_N + 3], made = 0, item = 5, i;
        uniforms(seed, n * 12);
        CHECK(hfy_recall_all(&net, &how, keys, n + 3, items, &made, &work) == HFY_OK);
        CHECK(made == n && work.message[0] == 0);
        for (i = 0; i < n; i++) CHECK(items[i] < n);
        for (; i < n + 3; i++) CHECK(items[i] == SIZE_MAX);
        memset(&state, 0, sizeof state);
        state.left = left, state.query = query, state.weights = weights;
        CHECK(hfy_recall_begin(&net, &how, keys, &state, &work) == HFY_OK);
        for (i = 0; i < n; i++) {
            double sum = 0;
            size_t j;
            CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_OK && item < n && !state.exhausted);
            for (j = 0; j < n; j++) {
                CHECK(left[j] >= 0 && left[j] <= 1 + 1e-6);
                sum += left[j];
            }
            CHECK_NEAR(sum, (double)(n - i - 1), 1e-5);
        }
        memcpy(before, query, sizeof query);
        for (i = 0; i < 2; i++) {
            CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_OK);
            CHECK(item == SIZE_MAX && state.exhausted && state.recalled == n && !memcmp(before, query, sizeof query));
        }
    }
}

TEST(masked_patterns_are_never_recalled)
{
    hfy_recall_kind kind;
    for (kind = HFY_RECALL_BOUNDED; kind <= HFY_RECALL_SEQUENTIAL; kind = (hfy_recall_kind)(kind + 1)) {
        hfy_net net = net_of(12, 16, 0.4, 1.5);
        hfy_recall how = how_of(kind, 5);
        hfy_real bias[12] = {0};
        size_t items[12], made, visible = 10, i;
        uniforms(5, 12 * 16);
        bias[2] = bias[7] = -(hfy_real)HUGE_VAL;
        net.bias = bias, net.visible = &visible;
        CHECK(hfy_recall_all(&net, &how, keys, 0, items, &made, &work) == HFY_OK);
        CHECK_EQ(made, kind == HFY_RECALL_BOUNDED ? 8 : 12);
        for (i = 0; i < made; i++) CHECK(items[i] != 2 && items[i] != 7 && items[i] < 10);
        visible = 1; /* one is left */
        if (kind == HFY_RECALL_SEQUENTIAL) {
            CHECK_FAILS(hfy_recall_all(&net, &how, keys, 0, items, &made, &work), HFY_ERR_ARG, &work, "2 at a time");
        } else {
            CHECK(hfy_recall_all(&net, &how, keys, 2, items, &made, &work) == HFY_OK && items[0] == 0);
        }
        visible = 0;
        CHECK(hfy_recall_all(&net, &how, keys, 2, items, &made, &work) == HFY_ERR_ARG);
    }
}

/* A clean sequence of well separated patterns is recalled in order whatever the number type: huge penalties included. */
TEST(a_sequence_with_the_papers_settings)
{
    hfy_net net = net_of(40, 32, 1, 2);
    hfy_recall how = how_of(HFY_RECALL_SEQUENTIAL, 0);
    hfy_rng rng = hfy_rng_seed(4);
    size_t items[40], i, wrong = 0;
    for (i = 0; i < 40 * 32; i++) keys[i] = (hfy_real)hfy_rng_sign(&rng);
    CHECK(hfy_recall_all(&net, &how, keys, 39, items, NULL, &work) == HFY_OK);
    for (i = 0; i < 39; i++) wrong += items[i] != i + 1;
    CHECK_EQ(wrong, 0);
}

TEST(of_equal_weights_the_lowest)
{
    hfy_net net = net_of(3, 2, 2, 2);
    hfy_recall how = how_of(HFY_RECALL_BOUNDED, 3);
    size_t items[3];
    keys[0] = 0, keys[1] = 3, keys[2] = keys[4] = 3, keys[3] = keys[5] = 0;
    CHECK(hfy_recall_all(&net, &how, keys + 4, 1, items, NULL, &work) == HFY_OK);
    CHECK_EQ(items[0], 1);
}

TEST(other_similarities_values_and_posts)
{
    static const hfy_sim sims[4] = {HFY_SIM_DOT, HFY_SIM_COSINE, HFY_SIM_EUCLIDEAN, HFY_SIM_MANHATTAN};
    static hfy_real values[20 * 16];
    size_t s, kind, i, d;
    for (kind = HFY_RECALL_BOUNDED; kind <= HFY_RECALL_SEQUENTIAL; kind++)
        for (s = 0; s < 4; s++) {
            hfy_net net = net_of(20, 16, s == 1 ? 20 : 3, 2);
            hfy_recall how = how_of((hfy_recall_kind)kind, 6);
            hfy_recall_state state;
            double left[20];
            hfy_real query[16], weights[20];
            size_t item = 0;
            uniforms(31 + s, 20 * 16);
            net.sim = sims[s];
            if (s == 1) net.post.kind = HFY_POST_L2, net.post.radius = 2;
            if (s == 2) { /* values that are not the keys */
                for (i = 0; i < 320; i++) values[i] = keys[i] + (hfy_real)0.01;
                net.values = values;
            }
            memset(&state, 0, sizeof state);
            state.left = left, state.query = query, state.weights = weights;
            CHECK(hfy_recall_begin(&net, &how, keys + 16, &state, &work) == HFY_OK);
            CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_OK);
            CHECK(item == (kind == HFY_RECALL_SEQUENTIAL ? item : 1)); /* the cue itself comes first */
            if (s == 1) {
                double square = 0;
                for (d = 0; d < 16; d++) square += (double)query[d] * (double)query[d];
                CHECK_NEAR(square, 4, 1e-5);
            }
            if (s == 2 && weights[item] >= 1) CHECK(!memcmp(query, values + item * 16, sizeof query));
        }
}

/* --- errors --- */

TEST(what_cannot_be_recalled)
{
    hfy_net net = net_of(4, 3, 1, 2), good;
    hfy_recall how = how_of(HFY_RECALL_PENALISED, 3), fine;
    hfy_recall_state state;
    double left[4];
    hfy_real query[3], weights[4], jot[12] = {0};
    hfy_sep second;
    size_t items[4], item = 7, made = 7, i;
    uniforms(1, 12);
    good = net, fine = how;
    memset(&state, 0, sizeof state), memset(&second, 0, sizeof second);
    state.left = left, state.query = query, state.weights = weights;
    CHECK(hfy_recall_begin(&net, &how, keys, &state, &work) == HFY_OK);
    CHECK_FAILS(hfy_recall_begin(NULL, &how, keys, &state, &work), HFY_ERR_ARG, &work, "net is NULL");
    CHECK_FAILS(hfy_recall_begin(&net, NULL, keys, &state, &work), HFY_ERR_ARG, &work, "how is NULL");
    CHECK_FAILS(hfy_recall_begin(&net, &how, NULL, &state, &work), HFY_ERR_ARG, &work, "cue is NULL");
    CHECK_FAILS(hfy_recall_begin(&net, &how, keys, NULL, &work), HFY_ERR_ARG, &work, "state is NULL");
    CHECK_FAILS(hfy_recall_next(&net, &how, &state, NULL, &work), HFY_ERR_ARG, &work, "item is NULL");
    CHECK_FAILS(hfy_recall_all(&net, &how, keys, 0, NULL, NULL, &work), HFY_ERR_ARG, &work, "items is NULL");
    state.left = NULL;
    CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_ARG, &work, "state->left is NULL");
    state.left = left, state.query = NULL;
    CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_ARG, &work, "state->query is NULL");
    state.query = query, state.weights = NULL;
    CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_ARG, &work, "state->weights is NULL");
    state.weights = weights;
    how.kind = (hfy_recall_kind)7;
    CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_ARG, &work, "how->kind is 7");
    for (i = 0; i < 6; i++) {
        static const char *const names[6] = {"penalty", "decay", "transition", "boost", "rho", "inner_beta"};
        double *member[6];
        how = fine;
        member[0] = &how.penalty, member[1] = &how.decay, member[2] = &how.transition, member[3] = &how.boost;
        member[4] = &how.rho, member[5] = &how.inner_beta;
        *member[i] = i == 1 ? 2 : i == 3 ? 0.5 : -1;
        CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_ARG, &work, names[i]);
        *member[i] = (double)not_a_number();
        CHECK_FAILS(hfy_recall_all(&net, &how, keys, 0, items, &made, &work), HFY_ERR_ARG, &work, "nan");
        *member[i] = HUGE_VAL;
        CHECK_FAILS(hfy_recall_begin(&net, &how, keys, &state, &work), HFY_ERR_ARG, &work, "inf");
    }
    how = fine;
    net = good, net.readout = jot, net.readout_dim = 3;
    CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_UNSUPPORTED, &work, "readout");
    net = good, net.self_coupling = jot;
    CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_UNSUPPORTED, &work, "self_coupling");
    net = good, net.step = 0.5;
    CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_UNSUPPORTED, &work, "step");
    net = good, net.sep.plus = &second;
    CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_UNSUPPORTED, &work, "fixed sum");
    net = good, net.sep.kind = HFY_SEP_EXP;
    CHECK_FAILS(hfy_recall_next(&net, &how, &state, &item, &work), HFY_ERR_UNSUPPORTED, &work, "fixed sum");
    net = good, net.count = 1;
    how.kind = HFY_RECALL_SEQUENTIAL;
    CHECK_FAILS(hfy_recall_all(&net, &how, keys, 0, items, &made, &work), HFY_ERR_ARG, &work, "2 at a time");
    net = good, net.dim = 0;
    CHECK_FAILS(hfy_recall_all(&net, &how, keys, 0, items, &made, &work), HFY_ERR_ARG, &work, "net->dim");
    CHECK(item == 7 && made == 7 && state.recalled == 0);
}

TEST(nothing_changes_when_an_item_fails)
{
    size_t kind;
    for (kind = HFY_RECALL_BOUNDED; kind <= HFY_RECALL_SEQUENTIAL; kind++) {
        hfy_net net = net_of(6, 4, 1, 2);
        hfy_recall how = how_of((hfy_recall_kind)kind, 3);
        hfy_recall_state state;
        double left[6], left_before[6];
        hfy_real query[4], weights[6], query_before[4], kept;
        size_t item = 77, items[6], made = 99;
        uniforms(9, 24);
        memset(&state, 0, sizeof state);
        state.left = left, state.query = query, state.weights = weights;
        CHECK(hfy_recall_begin(&net, &how, keys, &state, &work) == HFY_OK);
        CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_OK);
        memcpy(left_before, left, sizeof left), memcpy(query_before, query, sizeof query);
        kept = keys[13], keys[13] = not_a_number(), item = 77;
        CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_ERR_NONFINITE && work.message[0]);
        CHECK(item == 77 && state.recalled == 1);
        CHECK(!memcmp(left_before, left, sizeof left) && !memcmp(query_before, query, sizeof query));
        CHECK(hfy_recall_all(&net, &how, keys, 0, items, &made, &work) == HFY_ERR_NONFINITE && made == 0);
        keys[13] = kept;
        CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_OK && state.recalled == 2);
        query[1] = not_a_number(); /* a cue with NaN never begins; a state with one never goes on */
        CHECK(hfy_recall_begin(&net, &how, query, &state, &work) == HFY_ERR_NONFINITE);
        CHECK_CONTAINS(work.message, "element 1");
        CHECK(hfy_recall_next(&net, &how, &state, &item, &work) == HFY_ERR_NONFINITE && state.recalled == 2);
    }
}

TEST(memory_of_the_caller)
{
    static unsigned char room[1 << 23];
    size_t kind, one, alpha;
    for (alpha = 0; alpha < 3; alpha++)
        for (kind = HFY_RECALL_BOUNDED; kind <= HFY_RECALL_SEQUENTIAL; kind++)
            for (one = 0; one < 2; one++) {
                static const double alphas[3] = {1, 1.3, 3};
                hfy_net net = net_of(30, 10, 1, alphas[alpha]);
                hfy_recall how = how_of((hfy_recall_kind)kind, 4);
                hfy_recall_state state;
                hfy_work mine;
                double left[30];
                hfy_real query[10], weights[30];
                size_t items[30], item = 77, made = 77;
                uniforms(2, 300);
                if (alpha == 1) net.sim = HFY_SIM_COSINE, net.post.kind = HFY_POST_LAYERNORM;
                memset(&state, 0, sizeof state), memset(&mine, 0, sizeof mine);
                state.left = left, state.query = query, state.weights = weights;
                CHECK(hfy_recall_begin(&net, &how, keys, &state, NULL) == HFY_OK);
                mine.buffer = room + 1, mine.capacity = 1;
                if (one) {
                    CHECK(hfy_recall_next(&net, &how, &state, &item, &mine) == HFY_ERR_NOMEM);
                    CHECK(item == 77 && state.recalled == 0);
                } else {
                    CHECK(hfy_recall_all(&net, &how, keys, 0, items, &made, &mine) == HFY_ERR_NOMEM);
                    CHECK(made == 77);
                }
                CHECK(mine.peak > 1 && mine.peak < sizeof room);
                mine.capacity = mine.peak;
                if (one)
                    CHECK(hfy_recall_next(&net, &how, &state, &item, &mine) == HFY_OK && item < 30);
                else
                    CHECK(hfy_recall_all(&net, &how, keys, 0, items, &made, &mine) == HFY_OK && made == 30);
                CHECK(mine.buffer == room + 1 && !mine.owned);
            }
}

int main(int argc, char **argv)
{
    CHECK_BEGIN(argc, argv);
    RUN(rows_of_free_recall);
    RUN(rows_of_sequential_recall);
    RUN(levenshtein);
    RUN(unique_ratio);
    RUN(row_causal_with_forgetting);
    RUN(biases);
    RUN(free_recall_as_printed);
    RUN(step_by_step_is_the_same);
    RUN(it_ends_when_all_is_taken);
    RUN(masked_patterns_are_never_recalled);
    RUN(a_sequence_with_the_papers_settings);
    RUN(of_equal_weights_the_lowest);
    RUN(other_similarities_values_and_posts);
    RUN(what_cannot_be_recalled);
    RUN(nothing_changes_when_an_item_fails);
    RUN(memory_of_the_caller);
    hfy_work_free(&work);
    return CHECK_END();
}
