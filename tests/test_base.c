/* test_base.c: statuses, random numbers, selection, sizes. */
#define HFY_STATIC /* what no test reaches is not compiled */
#define HFY_IMPLEMENTATION
#include "../hfy.h"
#include "check.h"
#include "targets.h"

/* --- statuses --- */

TEST(every_status_has_its_text) {
  int i, j;
  CHECK(strcmp(hfy_status_text(HFY_OK), "ok") == 0);
  CHECK(strcmp(hfy_status_text(HFY_ERR_NOMEM), "not enough scratch memory") == 0);
  CHECK(HFY_OK == 0 && HFY_ERR_FORMAT == 9);
  for (i = 0; i <= (int)HFY_ERR_FORMAT; i++) {
    const char *text = hfy_status_text((hfy_status)i);
    CHECK(text && *text && strcmp(text, "unknown status") != 0);
    for (j = 0; j < i; j++) CHECK(strcmp(text, hfy_status_text((hfy_status)j)) != 0);
  }
  for (i = (int)HFY_ERR_FORMAT + 1; i < 16; i++) CHECK(strcmp(hfy_status_text((hfy_status)i), "unknown status") == 0);
}

TEST(status_list_is_the_enum) {
#define ONE(name, text) CHECK(strcmp(hfy_status_text(name), text) == 0);
  HFY_STATUS_LIST(ONE)
#undef ONE
}

TEST(version) {
  char text[40];
  snprintf(text, sizeof text, "%d.%d.%d", HFY_VERSION_NUMBER / 10000, HFY_VERSION_NUMBER / 100 % 100,
           HFY_VERSION_NUMBER % 100);
  CHECK(strcmp(text, HFY_VERSION) == 0);
  CHECK(strcmp(hfy_version(), HFY_VERSION) == 0);
}

TEST(layout) { /* compile/check.sh: no public struct is left out */
  CHECK(hfy_layout("hfy_real") == sizeof(hfy_real) && hfy_layout("hfy_status") == sizeof(hfy_status));
  CHECK(hfy_layout("hfy_work") == sizeof(hfy_work) && hfy_layout("hfy_net") == sizeof(hfy_net));
  CHECK(hfy_layout("hfy_sep") == sizeof(hfy_sep) && hfy_layout("hfy_report") == sizeof(hfy_report));
  CHECK(hfy_layout("hfy_rate_basin_options") == sizeof(hfy_rate_basin_options)); /* the last */
  CHECK(hfy_layout("hfy_theory_metastability") == sizeof(hfy_theory_metastability));
  CHECK(hfy_layout("hfy_ne") == 0 && hfy_layout("hfy_net_d") == 0 && hfy_layout("net") == 0 && hfy_layout("") == 0);
  CHECK(hfy_layout("hfy_") == 0 && hfy_layout(NULL) == 0);
}

/* --- random numbers --- */

TEST(row_rng_integers) {
  hfy_rng rng = hfy_rng_seed(0), zeroed;
  size_t i;
  memset(&zeroed, 0, sizeof zeroed);
  for (i = 0; i < 3; i++) CHECK(hfy_rng_u64(&rng) == t001_u64[i]);
  for (i = 0; i < 3; i++) CHECK(hfy_rng_u64(&zeroed) == t001_u64[i]); /* zeroed = seed 0 */
}

TEST(row_rng_uniforms) {
  hfy_rng rng = hfy_rng_seed(42);
  size_t i;
  for (i = 0; i < 3; i++) CHECK_NEAR(hfy_rng_uniform(&rng), t002_uni[i], 1e-15);
}

TEST(row_rng_normals_and_signs) {
  hfy_rng rng = hfy_rng_seed(42);
  size_t i;
  for (i = 0; i < 5; i++) CHECK_NEAR(hfy_rng_normal(&rng), t003_normals[i], 5e-15);
  rng = hfy_rng_seed(42);
  for (i = 0; i < 6; i++) CHECK_EQ(hfy_rng_sign(&rng), t003_signs[i]);
}

TEST(rng_is_plain_data) {
  hfy_rng rng = hfy_rng_seed(7), fork;
  size_t i;
  (void)hfy_rng_normal(&rng);
  fork = rng; /* with its cached normal */
  for (i = 0; i < 20; i++) CHECK_EQ(hfy_rng_normal(&rng), hfy_rng_normal(&fork));
}

TEST(rng_ranges_and_moments) {
  enum { N = 40000 };
  hfy_rng rng = hfy_rng_seed(8);
  double low = 1, high = 0, sum = 0, square = 0, signs = 0, fourth = 0;
  int i;
  for (i = 0; i < N; i++) {
    double u = hfy_rng_uniform(&rng), z = hfy_rng_normal(&rng), s = hfy_rng_sign(&rng);
    if (u < low) low = u;
    if (u > high) high = u;
    CHECK_EQ(u * 9007199254740992.0, floor(u * 9007199254740992.0));
    sum += z;
    square += z * z;
    fourth += z * z * z * z;
    signs += s;
    CHECK(s > 0 ? !(s < 1 || s > 1) : !(s < -1 || s > -1));
  }
  CHECK(low >= 0 && low < 1e-3 && high < 1 && high > 0.999);
  CHECK_NEAR(sum / N, 0, 0.02);
  CHECK_NEAR(square / N, 1, 0.03);
  CHECK_NEAR(fourth / N, 3, 0.1);
  CHECK_NEAR(signs / N, 0, 0.02);
}

TEST(rng_sign_is_the_top_bit) {
  hfy_rng a = hfy_rng_seed(9), b = a;
  int i;
  for (i = 0; i < 100; i++) CHECK_EQ(hfy_rng_sign(&a), hfy_rng_u64(&b) >> 63 ? 1 : -1);
}

/* --- messages --- */

TEST(long_messages_are_cut) {
  hfy_work work;
  memset(&work, 0x77, sizeof work);
  work.buffer = NULL;
  work.capacity = 0;
  work.owned = 0;
  hfy_base_fail_(
      &work, HFY_ERR_ARG, "%s%s%s%s", "0123456789012345678901234567890123456789012345678901234567890123456789",
      "0123456789012345678901234567890123456789012345678901234567890123456789", "0123456789", "01234567890123456789");
  CHECK(strlen(work.message) == sizeof work.message - 1);
}

/* --- private parts of the room --- */

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* shapes: 0 random, 1 few values, 2 ascending, 3 descending, 4 equal, 5 organ pipe */
static void numbers(hfy_rng *rng, int shape, double *x, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) {
    double u = hfy_rng_normal(rng);
    x[i] = shape == 0   ? u
           : shape == 1 ? floor(u)
           : shape == 2 ? (double)i
           : shape == 3 ? -(double)i
           : shape == 4 ? 3
                        : (double)(i < n / 2 ? i : n - i);
  }
}

TEST(selection_finds_the_kth_largest) {
  static double x[300], sorted[300], copy[300];
  static const size_t sizes[] = {1, 2, 3, 4, 5, 8, 17, 64, 300};
  hfy_rng rng = hfy_rng_seed(1);
  size_t c, k;
  int shape;
  for (shape = 0; shape < 6; shape++)
    for (c = 0; c < COUNT(sizes); c++) {
      size_t n = sizes[c];
      numbers(&rng, shape, x, n);
      memcpy(sorted, x, n * sizeof *x);
      qsort(sorted, n, sizeof *sorted, ascending);
      for (k = 1; k <= n; k += 1 + n / 40) {
        memcpy(copy, x, n * sizeof *x);
        CHECK_EQ(hfy_base_kth_largest_(copy, n, k), sorted[n - k]);
        qsort(copy, n, sizeof *copy, ascending);
        CHECK(memcmp(copy, sorted, n * sizeof *copy) == 0); /* permuted only */
      }
    }
}

TEST(selection_with_infinities) {
  double x[] = {1, -HUGE_VAL, 3, HUGE_VAL, -HUGE_VAL};
  CHECK_EQ(hfy_base_kth_largest_(x, 5, 1), HUGE_VAL);
  CHECK_EQ(hfy_base_kth_largest_(x, 5, 2), 3);
  CHECK_EQ(hfy_base_kth_largest_(x, 5, 5), -HUGE_VAL);
}

TEST(sorting) {
  static double x[2000], sorted[2000];
  static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 100, 1023, 2000};
  hfy_rng rng = hfy_rng_seed(2);
  size_t c;
  int shape;
  for (shape = 0; shape < 6; shape++)
    for (c = 0; c < COUNT(sizes); c++) {
      numbers(&rng, shape, x, sizes[c]);
      memcpy(sorted, x, sizes[c] * sizeof *x);
      qsort(sorted, sizes[c], sizeof *sorted, ascending);
      hfy_base_sort_(x, sizes[c]);
      CHECK(memcmp(x, sorted, sizes[c] * sizeof *x) == 0);
    }
}

TEST(selection_and_sorting_have_no_slow_input) {
  enum { MANY = 200000 };
  double *x = (double *)malloc(MANY * sizeof *x);
  hfy_rng rng = hfy_rng_seed(3);
  int shape;
  CHECK(x != NULL);
  for (shape = 0; x && shape < 6; shape++) { /* quadratic time would take minutes */
    size_t i;
    numbers(&rng, shape, x, MANY);
    (void)hfy_base_kth_largest_(x, MANY, MANY / 2);
    numbers(&rng, shape, x, MANY);
    hfy_base_sort_(x, MANY);
    for (i = 1; i < MANY && x[i - 1] <= x[i];) i++;
    CHECK(i == MANY);
  }
  free(x);
}

TEST(sizes_do_not_wrap) {
  CHECK(hfy_base_times_(3, 4) == 12 && hfy_base_times_(0, SIZE_MAX) == 0 && hfy_base_times_(SIZE_MAX, 0) == 0);
  CHECK(hfy_base_times_(SIZE_MAX, 1) == SIZE_MAX && hfy_base_times_(SIZE_MAX / 2, 3) == SIZE_MAX);
  CHECK(hfy_base_times_((size_t)1 << (4 * sizeof(size_t)), (size_t)1 << (4 * sizeof(size_t))) == SIZE_MAX);
  CHECK(hfy_base_plus_(3, 4) == 7 && hfy_base_plus_(SIZE_MAX, 1) == SIZE_MAX &&
        hfy_base_plus_(SIZE_MAX - 1, 1) == SIZE_MAX);
  CHECK(hfy_base_fits_(1000, 1000, 8) && !hfy_base_fits_(SIZE_MAX / 2, 4, 1) && !hfy_base_fits_(SIZE_MAX, SIZE_MAX, 8));
  CHECK(hfy_base_fits_(0, SIZE_MAX, 8) || !hfy_base_fits_(0, SIZE_MAX, 8)); /* whichever: nothing is read */
}

TEST(nan_and_infinity_by_their_bits) {
  double inf = HUGE_VAL, none = inf - inf;
  CHECK(hfy_base_is_nan_(none) && hfy_base_is_nan_(-none) && !hfy_base_is_nan_(inf) && !hfy_base_is_nan_(0));
  CHECK(!hfy_base_is_finite_(none) && !hfy_base_is_finite_(inf) && !hfy_base_is_finite_(-inf));
  CHECK(hfy_base_is_finite_(1.7e308) && hfy_base_is_finite_(-0.0) && hfy_base_is_finite_(4.9e-324));
  CHECK(hfy_base_is_pos_inf_(inf) && !hfy_base_is_pos_inf_(-inf) && !hfy_base_is_pos_inf_(none) &&
        !hfy_base_is_pos_inf_(1e308));
  CHECK(hfy_base_is_neg_inf_(-inf) && !hfy_base_is_neg_inf_(inf) && !hfy_base_is_neg_inf_(none));
}

/* libm's within a few units in the last place, wherever they are used */
TEST(functions_of_our_own) {
  hfy_rng rng = hfy_rng_seed(12);
  int i;
  for (i = 0; i < 4000; i++) {
    const double u = hfy_rng_uniform(&rng), far = exp(1400 * u - 700), near = exp(-40 * u), mid = 0.3 + 1.7 * u;
    CHECK(fabs(hfy_base_log_(far) - log(far)) <= 3 * DBL_EPSILON * fabs(log(far)));
    CHECK(fabs(hfy_base_log_(mid) - log(mid)) <= 2 * DBL_EPSILON * fabs(log(mid)));
    CHECK(fabs(hfy_base_log1p_(mid - 1) - log1p(mid - 1)) <= 3 * DBL_EPSILON * fabs(log1p(mid - 1)));
    CHECK(fabs(hfy_base_log1p_(near) - log1p(near)) <= 3 * DBL_EPSILON * near);
    CHECK(fabs(hfy_base_log1p_(-near) - log1p(-near)) <= 3 * DBL_EPSILON * fabs(log1p(-near)));
    CHECK(fabs(hfy_base_tanh_(mid) - tanh(mid)) <= 3 * DBL_EPSILON * tanh(mid));
    CHECK(fabs(hfy_base_tanh_(-near) + tanh(near)) <= 3 * DBL_EPSILON * tanh(near));
    CHECK(fabs(hfy_base_expm1_(-mid * 9) - expm1(-mid * 9)) <= 3 * DBL_EPSILON);
    CHECK(fabs(hfy_base_expm1_(-near) - expm1(-near)) <= 4 * DBL_EPSILON * near);
  }
  CHECK(hfy_base_log_(0) <= -HUGE_VAL && hfy_base_log_(HUGE_VAL) > DBL_MAX && hfy_base_is_nan_(hfy_base_log_(-NAN)));
  CHECK_NEAR(hfy_base_log_(ldexp(1, -1074)), -1074 * log(2), 4 * DBL_EPSILON);
  CHECK(hfy_base_log1p_(-1) <= -HUGE_VAL && hfy_base_tanh_(-HUGE_VAL) <= -1 && hfy_base_tanh_(0) >= 0);
  CHECK(hfy_base_is_nan_(hfy_base_tanh_(NAN)) && hfy_base_is_nan_(hfy_base_log1p_(NAN)));
  CHECK_EQ(hfy_base_expm1_(-HUGE_VAL), -1);
  CHECK(hfy_base_ceil_(3) == 3 && hfy_base_ceil_(3.0000001) == 4 && hfy_base_ceil_(0.1) == 1 && !hfy_base_ceil_(0));
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(every_status_has_its_text);
  RUN(status_list_is_the_enum);
  RUN(version);
  RUN(layout);
  RUN(row_rng_integers);
  RUN(row_rng_uniforms);
  RUN(row_rng_normals_and_signs);
  RUN(rng_is_plain_data);
  RUN(rng_ranges_and_moments);
  RUN(rng_sign_is_the_top_bit);
  RUN(long_messages_are_cut);
  RUN(selection_finds_the_kth_largest);
  RUN(selection_with_infinities);
  RUN(sorting);
  RUN(selection_and_sorting_have_no_slow_input);
  RUN(sizes_do_not_wrap);
  RUN(nan_and_infinity_by_their_bits);
  RUN(functions_of_our_own);
  return CHECK_END();
}
