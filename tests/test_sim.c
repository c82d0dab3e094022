/* test_sim.c: the four similarities against long double. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"

typedef long double wide;

#ifdef __clang__
#pragma clang diagnostic ignored "-Wdouble-promotion" /* widening to long double is the point of these tests */
#endif

#define ROWS 40
#define DIM 5100
static hfy_real keys[ROWS * (DIM + 8)], queries[8 * DIM], scores[8 * ROWS];
static const size_t dims[] = {1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 100, 255, 784, 2047, 2048, 2049, 5000};

/* The exact score, and the magnitude that its rounding is measured by. */
static wide exact(hfy_sim sim, const hfy_real *x, const hfy_real *q, size_t dim, wide *size) {
  wide dot = 0, x2 = 0, q2 = 0, far = 0, taxi = 0, both = 0;
  size_t d;
  for (d = 0; d < dim; d++) {
    wide a = x[d], b = q[d];
    dot += a * b;
    x2 += a * a;
    q2 += b * b;
    far += (a - b) * (a - b);
    taxi += fabsl(a - b);
    both += fabsl(a) + fabsl(b);
  }
  *size = sqrtl(x2) * sqrtl(q2);
  if (sim == HFY_SIM_DOT) return dot;
  if (sim == HFY_SIM_COSINE) {
    *size = 1;
    return x2 > 0 && q2 > 0 ? dot / sqrtl(x2) / sqrtl(q2) : 0;
  }
  if (sim == HFY_SIM_EUCLIDEAN) {
    *size = far; /* summed from differences: near matches keep their digits */
    return -far / 2;
  }
  *size = taxi;
  (void)both;
  return -taxi;
}

static void accuracy(hfy_sim sim) {
  hfy_rng rng = hfy_rng_seed(100 + (uint64_t)sim);
  size_t c, i, j;
  for (c = 0; c < COUNT(dims); c++) {
    size_t dim = dims[c], rows = dim > 1000 ? 5 : 13;
    double beta = c % 3 == 0 ? 1 : c % 3 == 1 ? 0.037 : -2.5, worst = 0;
    normals(&rng, keys, rows * dim, 1);
    normals(&rng, queries, 3 * dim, 1);
    if (c % 2)
      for (i = 0; i < dim; i++) queries[i] = keys[i] + (hfy_real)(1e-3 * hfy_rng_normal(&rng)); /* a near match */
    CHECK(hfy_sim_scores(sim, beta, keys, rows, dim, 0, queries, 3, scores, NULL) == HFY_OK);
    for (j = 0; j < 3; j++)
      for (i = 0; i < rows; i++) {
        wide size, want = exact(sim, keys + i * dim, queries + j * dim, dim, &size) * (wide)beta;
        double off = (double)(fabsl((wide)scores[j * rows + i] - want) /
                              (4 * (wide)REAL_EPS * sqrtl((wide)dim) * fabsl((wide)beta) * size));
        if (off > worst) worst = off;
      }
    CHECK(worst <= 1);
    if (!(worst <= 1)) printf("      (dim %lu: %g of the bound)\n", (unsigned long)dim, worst);
  }
}

TEST(dot_is_accurate) { accuracy(HFY_SIM_DOT); }
TEST(cosine_is_accurate) { accuracy(HFY_SIM_COSINE); }
TEST(euclidean_is_accurate) { accuracy(HFY_SIM_EUCLIDEAN); }
TEST(manhattan_is_accurate) { accuracy(HFY_SIM_MANHATTAN); }

/* long sums of equal terms, where a float accumulator would stall */
TEST(a_long_dot_does_not_stall) {
  size_t d;
  for (d = 0; d < 5000; d++) {
    keys[d] = (hfy_real)1.1;
    queries[d] = (hfy_real)0.9;
  }
  CHECK(hfy_sim_scores(HFY_SIM_DOT, 1, keys, 1, 5000, 0, queries, 1, scores, NULL) == HFY_OK);
  CHECK_NEAR((double)scores[0] / (5000 * (double)keys[0] * (double)queries[0]), 1, 64 * REAL_EPS);
}

TEST(known_values) {
  static const hfy_real x[] = {1, 2, 2, 0, 0, 0}, q[] = {2, -1, 2};
  CHECK(hfy_sim_scores(HFY_SIM_DOT, 2, x, 2, 3, 0, q, 1, scores, NULL) == HFY_OK);
  CHECK_EQ(scores[0], 8);
  CHECK_EQ(scores[1], 0);
  CHECK(hfy_sim_scores(HFY_SIM_COSINE, 9, x, 2, 3, 0, q, 1, scores, NULL) == HFY_OK);
  CHECK_NEAR(scores[0], 4, 4 * REAL_EPS);
  CHECK_EQ(scores[1], 0); /* the zero vector */
  CHECK(hfy_sim_scores(HFY_SIM_EUCLIDEAN, 1, x, 2, 3, 0, q, 1, scores, NULL) == HFY_OK);
  CHECK_EQ(scores[0], -5);
  CHECK_EQ(scores[1], -4.5);
  CHECK(hfy_sim_scores(HFY_SIM_MANHATTAN, 0.5, x, 2, 3, 0, q, 1, scores, NULL) == HFY_OK);
  CHECK_EQ(scores[0], -2);
  CHECK_EQ(scores[1], -2.5);
}

TEST(beta_zero_and_negative) {
  hfy_rng rng = hfy_rng_seed(2);
  hfy_real plain[10], turned[10];
  size_t i;
  int sim;
  normals(&rng, keys, 10 * 6, 1);
  normals(&rng, queries, 6, 1);
  for (sim = 0; sim < 4; sim++) {
    CHECK(hfy_sim_scores((hfy_sim)sim, 0, keys, 10, 6, 0, queries, 1, plain, NULL) == HFY_OK);
    for (i = 0; i < 10; i++) CHECK_EQ(plain[i], 0);
    CHECK(hfy_sim_scores((hfy_sim)sim, 1.5, keys, 10, 6, 0, queries, 1, plain, NULL) == HFY_OK);
    CHECK(hfy_sim_scores((hfy_sim)sim, -1.5, keys, 10, 6, 0, queries, 1, turned, NULL) == HFY_OK);
    for (i = 0; i < 10; i++) CHECK_EQ(turned[i], -(double)plain[i]);
  }
}

TEST(zero_vectors) {
  static const hfy_real x[] = {0, 0, 0, 1, 2, 3}, q[] = {0, 0, 0};
  int sim;
  for (sim = 0; sim < 4; sim++) {
    CHECK(hfy_sim_scores((hfy_sim)sim, 1, x, 2, 3, 0, q, 1, scores, NULL) == HFY_OK);
    CHECK_EQ(scores[0], 0);
    CHECK_EQ(scores[1], sim == HFY_SIM_EUCLIDEAN ? -7 : sim == HFY_SIM_MANHATTAN ? -6 : 0);
  }
}

/* squares beyond the range of hfy_real, on both sides */
TEST(huge_and_tiny_vectors) {
  static const double scale_float[] = {1e-18, 1e-22, 1e-30, 1e18, 1e22, 1e30, 1e-42},
                      scale_double[] = {1e-150, 1e-170, 1e-300, 1e150, 1e170, 1e300, 1e-305};
  const double *scales = sizeof(hfy_real) == 4 ? scale_float : scale_double;
  hfy_rng rng = hfy_rng_seed(3);
  size_t a, b, i;
  for (a = 0; a < 7; a++)
    for (b = 0; b < 7; b++) {
      hfy_real x[6 * 7], q[7], s[6];
      normals(&rng, x, 6 * 7, scales[a]);
      normals(&rng, q, 7, scales[b]);
      CHECK(hfy_sim_scores(HFY_SIM_COSINE, 1, x, 6, 7, 0, q, 1, s, NULL) == HFY_OK);
      for (i = 0; i < 6; i++) {
        wide size, want = exact(HFY_SIM_COSINE, x + i * 7, q, 7, &size);
        CHECK_NEAR(s[i], (double)want, 16 * REAL_EPS);
      }
    }
}

#ifdef HFY_DOUBLE
/* 1/|x| would be infinite: such a row is the zero vector. */
TEST(cosines_of_the_least_numbers) {
  const double x[6] = {1e-309, 2e-310, 5e-324, 0, 1e-307, -1e-307}, q[2] = {7e-11, 1e-11};
  double s[3], back[3];
  size_t i;
  CHECK(hfy_sim_scores(HFY_SIM_COSINE, 1, x, 3, 2, 0, q, 1, s, NULL) == HFY_OK);
  CHECK(hfy_sim_scores(HFY_SIM_COSINE, 1, q, 1, 2, 0, x, 3, back, NULL) == HFY_OK);
  for (i = 0; i < 3; i++) {
    CHECK_NEAR(s[i], i < 2 ? 0 : 0.6, 1e-15);
    CHECK_NEAR(back[i], s[i], 1e-15);
  }
}
#endif

TEST(a_score_beyond_the_range_is_infinite) {
  hfy_real x[2], q[2], s[1];
  x[0] = q[0] = (hfy_real)(sizeof(hfy_real) == 4 ? 3e30 : 3e250);
  x[1] = q[1] = 1;
  CHECK(hfy_sim_scores(HFY_SIM_DOT, 1, x, 1, 2, 0, q, 1, s, NULL) == HFY_OK);
  CHECK_EQ(s[0], HUGE_VAL);
  CHECK(hfy_sim_scores(HFY_SIM_DOT, -1, x, 1, 2, 0, q, 1, s, NULL) == HFY_OK);
  CHECK_EQ(s[0], -HUGE_VAL);
  q[0] = -q[0];
  CHECK(hfy_sim_scores(HFY_SIM_EUCLIDEAN, 1, x, 1, 2, 0, q, 1, s, NULL) == HFY_OK);
  CHECK_EQ(s[0], -HUGE_VAL);
  CHECK(hfy_sim_scores(HFY_SIM_MANHATTAN, 1, x, 1, 2, 0, q, 1, s, NULL) == HFY_OK);
  CHECK_NEAR((double)s[0] / (double)q[0], 2, 8 * REAL_EPS);
}

TEST(nan_in_gives_nan_out) {
  hfy_real x[3 * 40], q[2 * 40], s[6], inf = (hfy_real)HUGE_VAL;
  hfy_rng rng = hfy_rng_seed(4);
  size_t at;
  int sim;
  for (sim = 0; sim < 4; sim++)
    for (at = 0; at < 40; at++) {
      normals(&rng, x, 3 * 40, 1);
      normals(&rng, q, 2 * 40, 1);
      x[40 + at] = inf - inf;
      CHECK(hfy_sim_scores((hfy_sim)sim, 1, x, 3, 40, 0, q, 2, s, NULL) == HFY_OK);
      CHECK(s[1] != s[1] && s[4] != s[4]);
      CHECK(!(s[0] != s[0]) && !(s[2] != s[2]) && !(s[3] != s[3]) && !(s[5] != s[5]));
      x[40 + at] = 1;
      q[at] = inf - inf;
      CHECK(hfy_sim_scores((hfy_sim)sim, 1, x, 3, 40, 0, q, 2, s, NULL) == HFY_OK);
      CHECK(s[0] != s[0] && s[1] != s[1] && s[2] != s[2]);
      CHECK(!(s[3] != s[3]) && !(s[4] != s[4]) && !(s[5] != s[5]));
    }
}

TEST(batch_is_one_by_one_to_the_bit) {
  hfy_rng rng = hfy_rng_seed(5);
  size_t c, i, j;
  int sim;
  for (sim = 0; sim < 4; sim++)
    for (c = 0; c < COUNT(dims); c++) {
      size_t dim = dims[c], rows = dim > 1000 ? 3 : 37, nq = 1 + c % 8;
      normals(&rng, keys, rows * dim, 1);
      normals(&rng, queries, nq * dim, 1);
      CHECK(hfy_sim_scores((hfy_sim)sim, 0.7, keys, rows, dim, 0, queries, nq, scores, NULL) == HFY_OK);
      for (j = 0; j < nq; j++)
        for (i = 0; i < rows; i++) {
          hfy_real one = 7;
          CHECK(hfy_sim_scores((hfy_sim)sim, 0.7, keys + i * dim, 1, dim, 0, queries + j * dim, 1, &one,
                               NULL) == HFY_OK);
          CHECK(memcmp(&one, &scores[j * rows + i], sizeof one) == 0);
        }
    }
}

TEST(strides_skip_what_lies_between) {
  hfy_rng rng = hfy_rng_seed(6);
  hfy_real packed[12], inf = (hfy_real)HUGE_VAL;
  size_t i;
  int sim;
  for (sim = 0; sim < 4; sim++) {
    normals(&rng, queries, 2 * 19, 1);
    for (i = 0; i < 6 * 26; i++) keys[i] = inf - inf;
    for (i = 0; i < 6; i++) normals(&rng, keys + i * 26, 19, 1);
    CHECK(hfy_sim_scores((hfy_sim)sim, 1, keys, 6, 19, 26, queries, 2, scores, NULL) == HFY_OK);
    for (i = 0; i < 6; i++) memmove(keys + i * 19, keys + i * 26, 19 * sizeof *keys);
    CHECK(hfy_sim_scores((hfy_sim)sim, 1, keys, 6, 19, 19, queries, 2, packed, NULL) == HFY_OK);
    CHECK(memcmp(packed, scores, sizeof packed) == 0);
  }
}

TEST(the_order_is_query_by_query) {
  static const hfy_real x[] = {1, 0, 0, 1, 2, 2}, q[] = {1, 0, 0, 10};
  CHECK(hfy_sim_scores(HFY_SIM_DOT, 1, x, 3, 2, 0, q, 2, scores, NULL) == HFY_OK);
  CHECK_EQ(scores[0], 1);
  CHECK_EQ(scores[1], 0);
  CHECK_EQ(scores[2], 2);
  CHECK_EQ(scores[3], 0);
  CHECK_EQ(scores[4], 10);
  CHECK_EQ(scores[5], 20);
}

TEST(bad_arguments) {
  hfy_real x[4] = {1, 2, 3, 4}, s[4] = {7, 7, 7, 7};
  hfy_work work;
  hfy_sim wrong = HFY_SIM_DOT;
  unsigned code = 31;
  memset(&work, 0, sizeof work);
  memcpy(&wrong, &code, sizeof code);
  CHECK_FAILS(hfy_sim_scores(wrong, 1, x, 2, 2, 0, x, 1, s, &work), HFY_ERR_ARG, &work, "sim is 31");
  CHECK_FAILS(hfy_sim_scores(HFY_SIM_DOT, HUGE_VAL, x, 2, 2, 0, x, 1, s, &work), HFY_ERR_ARG, &work, "beta is inf");
  CHECK_FAILS(hfy_sim_scores(HFY_SIM_DOT, HUGE_VAL - HUGE_VAL, x, 2, 2, 0, x, 1, s, &work), HFY_ERR_ARG, &work,
              "beta is nan");
  CHECK_FAILS(hfy_sim_scores(HFY_SIM_DOT, 1, x, 0, 2, 0, x, 1, s, &work), HFY_ERR_ARG, &work, "count is 0");
  CHECK_FAILS(hfy_sim_scores(HFY_SIM_DOT, 1, x, 2, 0, 0, x, 1, s, &work), HFY_ERR_ARG, &work, "dim 0");
  CHECK_FAILS(hfy_sim_scores(HFY_SIM_DOT, 1, x, 2, 2, 1, x, 1, s, &work), HFY_ERR_ARG, &work, "key_stride is 1");
  CHECK_FAILS(hfy_sim_scores(HFY_SIM_DOT, 1, NULL, 2, 2, 0, x, 1, s, &work), HFY_ERR_ARG, &work, "keys is NULL");
  CHECK_FAILS(hfy_sim_scores(HFY_SIM_DOT, 1, x, 2, 2, 0, NULL, 1, s, &work), HFY_ERR_ARG, &work, "queries is NULL");
  CHECK_FAILS(hfy_sim_scores(HFY_SIM_DOT, 1, x, 2, 2, 0, x, 1, NULL, &work), HFY_ERR_ARG, &work, "scores is NULL");
  CHECK_FAILS(hfy_sim_scores(HFY_SIM_DOT, 1, x, SIZE_MAX / 4, 3, 0, x, 1, s, &work), HFY_ERR_ARG, &work,
              "cannot exist");
  CHECK_FAILS(hfy_sim_scores(HFY_SIM_DOT, 1, x, 2, 2, 0, x, SIZE_MAX / 8, s, &work), HFY_ERR_ARG, &work,
              "cannot exist");
  CHECK_EQ(s[0], 7);
  CHECK(hfy_sim_scores(HFY_SIM_DOT, 1, x, 2, 2, 0, NULL, 0, NULL, &work) == HFY_OK); /* no queries */
  CHECK(work.message[0] == 0);
  hfy_work_free(&work);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(dot_is_accurate);
  RUN(cosine_is_accurate);
  RUN(euclidean_is_accurate);
  RUN(manhattan_is_accurate);
  RUN(a_long_dot_does_not_stall);
  RUN(known_values);
  RUN(beta_zero_and_negative);
  RUN(zero_vectors);
  RUN(huge_and_tiny_vectors);
#ifdef HFY_DOUBLE
  RUN(cosines_of_the_least_numbers);
#endif
  RUN(a_score_beyond_the_range_is_infinite);
  RUN(nan_in_gives_nan_out);
  RUN(batch_is_one_by_one_to_the_bit);
  RUN(strides_skip_what_lies_between);
  RUN(the_order_is_query_by_query);
  RUN(bad_arguments);
  return CHECK_END();
}
