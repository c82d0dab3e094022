/* test_kernel.c: kernel memories: every row of the reference (patterns, Gram matrices, gradient descent, exact optimum,
   unstable descent, forces, learning dynamics, baselines, asynchronous recall, edge cases), an own
   plain solver, duality gaps, stop and resume, packing edges, nets, bytes, nearest patterns, symmetries, every status. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"

enum { P_MOST = 400, N_MOST = 200, WORDS = 4 };
#ifdef CHECK_FULL /* make -C bench/reproduce klr-targets: rows that take long, too */
enum { FULL = 1 };
#else
enum { FULL = 0 };
#endif
#ifdef __SANITIZE_ADDRESS__ /* ten times slower */
enum { SLOW = 1 };
#else
enum { SLOW = 0 };
#endif
static uint64_t bits[6400 * WORDS], cues[6400 * WORDS], ends[6400 * WORDS];
static hfy_real x[6400 * N_MOST], keys[P_MOST * N_MOST], values[P_MOST * N_MOST], out[P_MOST * N_MOST];
static double alpha[6400 * 100], other[P_MOST * N_MOST], gram[P_MOST * P_MOST], h[P_MOST * 201], sigma[P_MOST];
static signed char bytes[P_MOST * N_MOST];
static float single[P_MOST * N_MOST];
static hfy_work work;

static void fine(hfy_status status) {
  if (!CHECK(status == HFY_OK)) printf("    %s: %s\n", hfy_status_text(status), work.message);
}

static hfy_kernel random_memory(uint64_t seed, size_t P, size_t N, double gamma) {
  hfy_rng rng = hfy_rng_seed(seed);
  hfy_kernel k;
  memset(&k, 0, sizeof k);
  k.dim = N, k.count = P, k.patterns = bits, k.gamma = gamma, k.alpha = alpha;
  fine(hfy_kernel_random(P, N, &rng, bits, &work));
  return k;
}

/* 300 patterns of 100 bits at gamma 0.02, trained exactly: once for all tests that want them. */
static hfy_kernel trained_300(void) {
  static double kept[300 * 100];
  static int made;
  hfy_kernel k = random_memory(42, 300, 100, 0.02);
  if (!made) fine(hfy_kernel_train(&k, NULL, kept, NULL, &work));
  made = 1;
  memcpy(alpha, kept, sizeof kept);
  return k;
}

static void relative(double got, double want, double tol, const char *what) {
  if (!CHECK(fabs(got - want) <= tol * fabs(want))) printf("    %s: %.12g, want %.12g\n", what, got, want);
}

static size_t distance(const uint64_t *a, const uint64_t *b, size_t dim) {
  size_t j, d = 0;
  for (j = 0; j < dim; j++) d += (a[j / 64] >> (j % 64) & 1) != (b[j / 64] >> (j % 64) & 1);
  return d;
}

static double state_of(const uint64_t *a, size_t j) { return a[j / 64] >> (j % 64) & 1 ? 1 : -1; }

/* --- R: the random stream --- */

TEST(stream) {
  static const size_t first[] = {1, 5, 25, 33, 34, 44, 58, 62, 70, 87}, second[] = {0, 4, 7, 10, 22, 57, 83, 85, 91, 98};
  hfy_rng rng = hfy_rng_seed(42);
  size_t i, j, n;
  double sum = 0;
  CHECK(hfy_rng_u64(&rng) == UINT64_C(0xbdd732262feb6e95));
  random_memory(42, 300, 100, 1);
  for (j = 0; j < 16; j++) CHECK((state_of(bits, j) > 0) == ("+----+-+-+--+++-"[j] == '+'));
  for (i = 0; i < 300; i++)
    for (j = 0; j < 100; j++) sum += state_of(bits + 2 * i, j);
  CHECK_EQ(sum, 168);
  CHECK(distance(bits, bits + 2, 100) == 57 && distance(bits, bits + 4, 100) == 46);
  rng = hfy_rng_seed(7);
  fine(hfy_kernel_flip(bits, 100, 100, 10, &rng, cues, &work));
  for (j = n = 0; j < 100; j++)
    if (state_of(bits, j) * state_of(cues, j) < 0) CHECK(n < 10 && first[n++] == j);
  CHECK(n == 10);
  for (j = n = 0; j < 100; j++)
    if (state_of(bits + 2, j) * state_of(cues + 2, j) < 0) CHECK(n < 10 && second[n++] == j);
  CHECK(n == 10);
}

/* --- K --- */

TEST(gram_rows) {
  static const struct {
    double gamma, P, K01, sum, most, least, rank;
  } rows[] = {{0.02, 300, 0.01046205894, 2078.224237, 6.930987544, 0.8396518016, 43.28387522},
              {0.001, 100, 0.7961242598, 8207.435253, 82.07471861, 0.01608735655, 1.218401984},
              {0.1, 400, 1.253388809e-10, 400.0024766, 1.000030505, 0.9999695293, 399.9877982}};
  size_t r, i, j, P;
  for (r = 0; r < 3; r++) {
    hfy_kernel k = random_memory(42, P = (size_t)rows[r].P, 100, rows[r].gamma);
    hfy_kernel_spectrum s;
    hfy_kernel_training t;
    hfy_kernel_result result;
    double sum = 0;
    fine(hfy_kernel_gram(&k, gram, &work));
    for (i = 0; i < P; i++)
      for (j = 0; j < P; j++) {
        double square = 4.0 * (double)distance(bits + 2 * i, bits + 2 * j, 100);
        sum += gram[i * P + j];
        if ((i + j) % 7 == 0) CHECK(gram[i * P + j] == exp(-rows[r].gamma * square)); /* to the bit */
      }
    relative(gram[1], rows[r].K01, 1e-9, "K01");
    relative(sum, rows[r].sum, 1e-9, "sum");
    for (i = 0; i < P * 100; i++) alpha[i] = state_of(bits + i / 100 * 2, i % 100);
    fine(hfy_kernel_spectra(&k, NULL, &s, NULL, NULL, NULL, NULL, &work));
    relative(s.gram_1, rows[r].most, 1e-9, "lmax");
    relative(s.gram_least, rows[r].least, 1e-9, "lmin");
    relative(s.gram_rank, rows[r].rank, 1e-9, "srK");
    memset(&t, 0, sizeof t);
    t.trainer = HFY_KERNEL_RAW;
    fine(hfy_kernel_train(&k, &t, alpha, &result, &work)); /* its largest eigenvalue is by Lanczos */
    relative(result.gram_largest, rows[r].most, 1e-9, "lmax by Lanczos");
    relative(result.stability, 0.05 * (rows[r].most * rows[r].most / 4 + 0.01 * rows[r].most), 1e-9, "stability");
  }
}

/* --- rows of trained memories --- */

typedef struct trained {
  double gamma, P, T; /* T = 0: exact */
  double loss, M0, Fd2, Fi2, rho0, Mavg, rhoavg;
  double s1, s2s1, sr, s1W, srW, lKa, margin;
  double ff, rec10, rec20, rec30, randfix;
  double it_1e8;
} trained;

static const trained trained_rows[] = {
  {0.02, 100, 200, 972.4577259, 556.7313174, 771.777517, 26.73908896, -0.8415511398, 570.8803101, -0.8103533268,
   47.76328635, 0.9789364513, 29.95671711, 52.23601403, 26.45454048, 57.34556585, 2.266795342, 1, 1, 1, .79, 0, 0},
  {0.02, 300, 200, 2598.538848, 307.7130688, 887.1078845, 188.5652761, -0.9388356573, 279.9828315, -0.9409533518,
   59.85736717, 0.9914757128, 51.211066, 72.65424312, 41.82199798, 88.25734173, 2.345125894, 1, 1, .99, .03, 0, 0},
  {0.02, 400, 200, 3291.168948, 204.9030766, 946.9135153, 345.9291041, -0.9504429591, 177.8103631, -0.9563609162,
   62.89454792, 0.9950904617, 58.4116455, 79.41264835, 46.82378179, 100.3520316, 2.409177202, 1, 1, .54, 0, .085, 0},
  {0.05, 400, 200, 4083.189388, 690.1453921, 718.3108303, 0.2929952488, -0.9808317116, 684.9297494, -0.9797071328,
   78.80708102, 0.97958433, 46.02099329, 79.04039582, 45.88646614, 79.27455338, 2.663479879, 1, 1, 1, .99, 0, 0},
  {0.1, 400, 500, 3646.055295, 1024.144558, 1024.168116, 1.501124694e-07, -0.9499763348, 1024.132279, -0.9370884013,
   94.44740954, 0.9794149745, 45.92511146, 94.44755593, 45.92502768, 94.44770231, 3.200222192, 1, 1, 1, 1, 0, 0},
  {0.03, 200, 200, 1983.483818, 565.0007238, 742.7445873, 13.48358906, -0.9554275103, 544.3574091, -0.9541949744,
   62.02463816, 0.9670383447, 36.31141354, 64.71521471, 34.47725724, 67.64521645, 2.531210163, 1, 1, 1, .84, 0, 0},
  {0.01, 50, 200, 536.8619237, 971.7952621, 724.1416444, 34.65533177, 0.672278652, 943.4770347, 0.6387343036,
   38.79123103, 0.9887092325, 23.56116894, 45.40968704, 16.72571048, 53.34689852, 1.645294655, 1, 1, 1, .84, 0, 0},
  {0.5, 200, 200, 2047.59529, 716.0571046, 716.0571046, 3.851617736e-59, -0.6157097232, 716.0571046, -0.6590939386,
   64.21027412, 0.9595161829, 34.73510418, 64.21027412, 34.73510418, 64.21027412, 2.675924335, 1, 1, 1, 1, 0, 0},
  {0.1, 400, 0, 3623.740897, 1128.447309, 1128.473266, 1.654004399e-07, -0.9499763807, 1128.433632, -0.9370884888,
   99.14022682, 0.9794151244, 45.92513648, 99.14038048, 45.9250527, 99.14053413, 3.359249613, 1, 1, 1, 1, 0, 39},
  {0.05, 300, 0, 2714.044738, 1096.093432, 1129.448996, 0.2631287419, -0.975064546, 1090.390621, -0.9726217008,
   90.02563001, 0.9770668764, 41.62978646, 90.23853113, 41.52571298, 90.45211479, 3.354831604, 1, 1, 1, .99, 0, 39},
  {0.02, 300, 0, 2414.11797, 418.8445619, 1225.866534, 249.9303274, -0.9547602261, 378.4829457, -0.9565653934,
   66.88444215, 0.9949505892, 57.3709734, 81.08243787, 46.4910571, 98.42898048, 3.160697067, 1, 1, .97, .01, .015, 50},
  {0.02, 400, 0, 3096.886172, 260.9716747, 1260.132309, 442.5750847, -0.9652817797, 222.9855568, -0.9696731167,
   69.08641758, 0.9981644152, 65.36097532, 87.05641963, 52.00394618, 109.9198704, 3.168807947, 1, 1, .37, 0, .195, 49},
  {0.01, 100, 0, 860.143822, 1349.309913, 1190.323894, 39.7486615, 0.2740870496, 1355.4129, 0.2923589415, 45.37856443,
   0.996289296, 51.15086634, 56.60716154, 33.56543469, 71.55021394, 2.720089036, 1, 1, .99, .14, 0, 60},
  {0.01, 300, 0, 2036.905379, 864.2912445, 1395.409112, 127.4607213, -0.7807979213, 845.934186, -0.7841394664,
   46.25473906, 0.9954416093, 84.62538216, 68.62514303, 55.78764015, 109.991262, 2.914149818, 1, 0, 0, 0, .765, 69},
  {0.005, 200, 0, 1622.292178, 2267.933382, 1264.817297, 167.091782, 0.9092796326, 2279.93744, 0.9005317905,
   49.65281364, 0.993714967, 81.6085602, 62.5894404, 51.88466448, 95.70101824, 2.405220121, 1, 0, 0, 0, .535, 65},
  {0.001, 100, 0, 1899.883609, 2168.979777, 622.856308, 471.3473538, 0.9917987138, 2190.768206, 0.9929823942,
   118.4464817, 0.9975397442, 64.98508601, 73.2974431, 36.30851447, 57.54830451, 0.9866219497, 1, 0, 0, 0, 0, 35},
  {0.001, 400, 0, 4409.940533, 3352.327452, 1000.18429, 690.8353732, 0.9992929141, 3404.679936, 0.9991555308,
   102.9182254, 0.9988791788, 80.98319979, 88.92478786, 66.41815311, 106.3674239, 1.874446728, 1, 0, 0, 0, 1, 43},
};

/* Geometry at the first n patterns: row 0 and means. */
static hfy_kernel_geometry geometry_of(const hfy_kernel *k, size_t n, double *M, double *rho) {
  static double points[20 * N_MOST];
  hfy_kernel_geometry g[20];
  size_t i, j;
  for (i = 0; i < n; i++)
    for (j = 0; j < k->dim; j++) points[i * k->dim + j] = state_of(bits + i * hfy_kernel_words(k->dim), j);
  fine(hfy_kernel_forces(k, points, n, NULL, NULL, g, &work));
  for (*M = *rho = 0, i = 0; i < n; i++) *M += g[i].sharpness / (double)n, *rho += g[i].interference / (double)n;
  return g[0];
}

static void recalls(const hfy_kernel *k, double ff, double rec10, double rec20, double rec30, double randfix) {
  static const size_t flips[] = {10, 20, 30};
  double stored, recovered[3], overlap[3];
  hfy_rng rng = hfy_rng_seed(7), start = hfy_rng_seed(999);
  hfy_kernel_census census;
  double one = 1.0 / (k->count < 100 ? (double)k->count : 100) + 1e-9;
  fine(hfy_kernel_stored(k, &stored, NULL, &work));
  CHECK(fabs(stored - ff) <= 1.01 / (double)k->count);
  fine(hfy_kernel_basins(k, k->count < 100 ? k->count : 100, flips, 3, &rng, recovered, overlap, &work));
  if (!CHECK(fabs(recovered[0] - rec10) <= one && fabs(recovered[1] - rec20) <= one &&
             fabs(recovered[2] - rec30) <= one))
    printf("    recovered %g %g %g\n", recovered[0], recovered[1], recovered[2]);
  CHECK(overlap[0] <= 1 && overlap[0] >= overlap[2] && (recovered[0] < 1 || overlap[0] == 1));
  fine(hfy_kernel_explore(k, 200, &start, &census, &work));
  CHECK(fabs(census.fixed - randfix) <= 0.0051);
  CHECK_NEAR(census.stored + census.opposite + census.spurious + census.cycles + census.unsettled, 1, 1e-12);
  CHECK(census.different <= 200 && census.spurious >= census.fixed - 1e-12);
}

static void check_trained(const trained *t) {
  static double state[2 * P_MOST * 100 + 8];
  hfy_kernel k = random_memory(42, (size_t)t->P, 100, t->gamma);
  hfy_kernel_training how;
  hfy_kernel_result result;
  hfy_kernel_spectrum s;
  hfy_kernel_geometry g;
  double M, rho, margin, tol = t->T > 0 ? 1e-8 : 1e-6;
  size_t i, P = k.count;
  memset(&how, 0, sizeof how);
  fine(hfy_kernel_gram(&k, gram, &work));
  how.gram = gram;
  if (t->T > 0) {
    how.trainer = HFY_KERNEL_PAPER, how.max_iterations = (size_t)t->T;
    fine(hfy_kernel_train(&k, &how, alpha, &result, &work));
    CHECK(result.stability < 1 && !result.unstable && result.iterations == how.max_iterations);
    CHECK(result.gap > 0);
  } else {
    how.state = state;
    fine(hfy_kernel_train(&k, &how, alpha, &result, &work));
    CHECK(result.residual < 1e-8);
    if (!CHECK(result.iterations <= 9 && (double)result.products <= 2 * t->it_1e8 + 30)) /* the accelerated steps' */
      printf("    %zu iterations, %zu products\n", result.iterations, result.products);
    CHECK(result.gap >= -1e-9 * result.loss && result.gap < 1e-7);
    how.tol = 1e-11, how.resume = 1;
    fine(hfy_kernel_train(&k, &how, alpha, &result, &work));
    CHECK(result.residual < 1e-11);
    for (i = 0; i < P * 100; i++) {
      double q = 0.01 * alpha[i] * state_of(bits + i / 100 * 2, i % 100);
      CHECK(q > 0 && q < 1);
    }
  }
  relative(result.loss, t->loss, tol, "loss");
  g = geometry_of(&k, 20, &M, &rho);
  relative(g.sharpness, t->M0, tol, "M0");
  relative(g.direct, t->Fd2, tol, "Fd2");
  relative(g.indirect, t->Fi2, tol, "Fi2");
  relative(g.interference, t->rho0, tol, "rho0");
  relative(M, t->Mavg, tol, "Mavg");
  relative(rho, t->rhoavg, tol, "rhoavg");
  fine(hfy_kernel_spectra(&k, gram, &s, sigma, NULL, NULL, NULL, &work));
  relative(s.alpha_1, t->s1, tol, "s1");
  relative(s.alpha_2 / s.alpha_1, t->s2s1, tol, "s2s1");
  relative(s.alpha_rank, t->sr, tol, "sr");
  relative(s.operator_1, t->s1W, tol, "s1W");
  relative(s.operator_rank, t->srW, tol, "srW");
  relative(s.effective, t->lKa, tol, "lKa");
  CHECK(sigma[0] == s.alpha_1 && fabs(s.leading + s.trailing - 1) < 1e-15);
  fine(hfy_kernel_stored(&k, NULL, &margin, &work));
  relative(margin, t->margin, tol, "margin");
  recalls(&k, t->ff, t->rec10, t->rec20, t->rec30, t->randfix);
  { /* sum over the patterns of |F_d|^2 = |K alpha|^2 */
    double sum = 0, norm = 0;
    fine(hfy_kernel_potentials(&k, bits, P, h, NULL, &work));
    for (i = 0; i < P * 100; i++) sum += h[i] * h[i];
    norm = s.logits_1 * s.logits_1 * s.logits_rank;
    relative(norm, sum, 1e-10, "|K alpha|^2");
  }
}

TEST(trained_memories) {
  size_t r;
  for (r = 0; r < sizeof trained_rows / sizeof trained_rows[0]; r++) {
    const trained *t = trained_rows + r;
    const double cost = t->P * (t->T > 0 ? t->T : 150); /* an exact training is worth some 150 steps of descent */
    if (FULL || cost <= 15000 || (!SLOW && cost <= 45000 && MINE(r))) check_trained(t);
  }
}

TEST(isolated_pattern) /* I: K = identity */
{
  hfy_kernel k = random_memory(42, 20, 100, 5);
  hfy_kernel_training how;
  hfy_kernel_result result;
  double M, rho;
  memset(&how, 0, sizeof how);
  how.trainer = HFY_KERNEL_PAPER;
  fine(hfy_kernel_train(&k, &how, alpha, &result, &work));
  relative(fabs(alpha[0]), 2.67592433483, 1e-9, "a(200)");
  geometry_of(&k, 20, &M, &rho);
  relative(M, 716.057104576, 1e-9, "N a^2");
  how.max_iterations = 500;
  fine(hfy_kernel_train(&k, &how, alpha, &result, &work));
  relative(fabs(alpha[0]), 3.20026178391, 1e-9, "a(500)");
  how.trainer = HFY_KERNEL_EXACT, how.tol = 1e-12;
  fine(hfy_kernel_train(&k, &how, alpha, &result, &work));
  relative(fabs(alpha[0]), 3.35927504537, 1e-9, "m*");
  relative(result.loss, 2000 * 0.0905935943819, 1e-9, "loss");
}

TEST(unstable_descent) /* U: chaotic, so in size only */
{
  static const double rows[][5] = {{0.001, 100, 6.607, 0.08922, 2.969},
                                   {0.001, 400, 8.831, 0.05878, 2.003},
                                   {0.005, 300, 6.687, 0.03147, 20.1},
                                   {0.01, 300, 5.263, 0.05739, 25.32}};
  size_t r;
  for (r = 0; r < 4; r++) {
    hfy_kernel k = random_memory(42, (size_t)rows[r][1], 100, rows[r][0]);
    hfy_kernel_training how;
    hfy_kernel_result result;
    hfy_kernel_spectrum s;
    double M, rho, stored, c;
    if (r && !FULL) continue;
    memset(&how, 0, sizeof how);
    how.trainer = HFY_KERNEL_PAPER;
    fine(hfy_kernel_train(&k, &how, alpha, &result, &work));
    CHECK(result.unstable && result.stability > 5);
    geometry_of(&k, 20, &M, &rho);
    CHECK(fabs(log10(M) - rows[r][2]) < 0.3 && fabs(rho) < 0.35);
    c = M / (100 * 0.01 * pow(result.gram_largest, 4));
    CHECK(c > 0.01 && c < 0.25);
    fine(hfy_kernel_spectra(&k, NULL, &s, NULL, NULL, NULL, NULL, &work));
    CHECK(s.alpha_rank < 1.5 * rows[r][4] && s.alpha_rank > rows[r][4] / 1.5);
    fine(hfy_kernel_stored(&k, &stored, NULL, &work));
    CHECK(stored == 0);
  }
}

/* --- F: forces against differences of V, for all kernels --- */

static double potential(const hfy_kernel *k, const double *point) {
  hfy_kernel_geometry g;
  fine(hfy_kernel_forces(k, point, 1, NULL, NULL, &g, &work));
  return g.potential;
}

TEST(forces) {
  /* after 200 steps of descent, at the first pattern and between two: F_i of bits 0 and 1, (grad V)_0, x.grad V, V;
     from the formulas in numpy's long double */
  static const double rows[2][2][5] = {
    {{0.608201855, 0.05677670242, -1.925463388, -253.0669347, -272.523789},
     {-0.6004111025, 1.44649958, -1.037932324, -55.30048112, -28.89132576}},
    {{1.800113059, -1.156575186, -0.927416557, -165.4855094, -297.1935912},
     {-1.096431748, 1.712516136, -0.5175656495, -85.78587016, -44.5979262}}};
  hfy_kernel k;
  double point[2][100], fd[200], fi[200], most, error;
  size_t r, i, j;
  int kind;
  for (r = 0; r < (FULL ? 2 : 1); r++) {
    hfy_kernel_training how;
    hfy_kernel_geometry g[2];
    k = random_memory(42, r ? 300 : 60, 100, 0.02);
    memset(&how, 0, sizeof how);
    how.trainer = HFY_KERNEL_PAPER;
    fine(hfy_kernel_train(&k, &how, alpha, NULL, &work));
    for (j = 0; j < 100; j++) {
      point[0][j] = state_of(bits, j);
      point[1][j] = 0.3 * state_of(bits, j) + 0.1 * state_of(bits + 2, j);
    }
    fine(hfy_kernel_forces(&k, point[0], 2, fd, fi, g, &work));
    for (i = 0; i < 2; i++) {
      const double *want = rows[r][i];
      double sum = 0, along = 0;
      for (j = 0; j < 100; j++) {
        sum += point[i][j] * (fd[100 * i + j] + fi[100 * i + j]);
        along += point[i][j] * fd[100 * i + j];
      }
      relative(fi[100 * i], want[0], 1e-7, "Fi0");
      relative(fi[100 * i + 1], want[1], 1e-7, "Fi1");
      relative(fd[100 * i] + fi[100 * i], want[2], 1e-7, "gradV0");
      relative(sum, want[3], 1e-7, "x.gradV");
      relative(g[i].potential, want[4], 1e-7, "V");
      relative(along, g[i].potential, 1e-13, "V");
    }
  }
  for (kind = 0; kind < 3; kind++)
    for (i = 0; i < 2; i++) {
      k.kind = (hfy_kernel_kind)kind;
      k.gamma = kind ? 0 : 0.02;
      k.degree = 4, k.offset = 0.5;
      fine(hfy_kernel_forces(&k, point[i], 1, fd, fi, NULL, &work));
      for (most = error = 0, j = 0; j < 100; j += 7) {
        double step = 1e-5, hold = point[i][j], up, down;
        point[i][j] = hold + step, up = potential(&k, point[i]);
        point[i][j] = hold - step, down = potential(&k, point[i]);
        point[i][j] = hold;
        most = fmax(most, fabs(fd[j] + fi[j]));
        error = fmax(error, fabs((up - down) / (2 * step) - fd[j] - fi[j]));
      }
      CHECK(error < 1e-7 * most);
    }
}

/* --- D: learning dynamics of neuron 0 --- */

/* Gradient descent of neuron 0 from 0, plainly: way is steps + 1 rows of P. gram: that of k. */
static void descend(const hfy_kernel *k, double eta, size_t steps, double *way) {
  const size_t P = k->count, words = hfy_kernel_words(k->dim);
  double residual[P_MOST];
  size_t t, i, j;
  for (i = 0; i < P; i++) way[i] = residual[i] = 0;
  for (t = 0; t < steps; t++, way += P) {
    for (i = 0; i < P; i++) {
      double field = 0;
      for (j = 0; j < P; j++) field += gram[i * P + j] * way[j];
      residual[i] = 1 / (1 + exp(-field)) - (state_of(k->patterns + i * words, 0) > 0) + 0.01 * way[i];
    }
    for (i = 0; i < P; i++) {
      double slope = 0;
      for (j = 0; j < P; j++) slope += gram[i * P + j] * residual[j];
      way[P + i] = way[i] - eta * slope;
    }
  }
}

static void check_fisher(const hfy_kernel_fisher *f, const double *want, double tol) {
  relative(f->euclidean, want[0], tol, "g2");
  relative(f->riemannian, want[1], tol, "riem");
  relative(f->natural, want[2], tol, "nat2");
  relative(f->damped_riemannian, want[3], tol, "riem_eps");
  relative(f->damped_natural, want[4], tol, "nat2_eps");
  relative(f->sharpness, want[5], tol, "lmaxH");
  relative(f->loss, want[6], tol, "loss");
  CHECK(fabs(f->log10_riemannian - log10(want[1])) < 1e-6);
  CHECK(fabs(f->log10_natural - log10(want[2])) < 1e-6);
}

TEST(learning_dynamics) {
  static const size_t at[] = {0, 1, 2, 10, 50, 200};
  static const struct {
    double N, P, gamma, rows[6][7];
    double length, principal, tail;
    int last;
    double lam1, lam2, conc, most, most_at, progress, path;
  } cases[] = {
    {100, 300, 0.02,
     {{178.812066, 300, 838.96547, 299.163542, 833.958265, 12.078957, 207.944154},
      {102.686169, 280.034254, 821.402342, 279.215381, 816.3522, 11.7280836, 194.517174},
      {92.419959, 257.453909, 752.151579, 256.704061, 747.551272, 11.7985519, 184.604685},
      {50.6193027, 156.354884, 500.404078, 155.856141, 497.087616, 10.7737178, 128.338196},
      {6.65893886, 39.1794238, 232.418108, 38.9483932, 229.651671, 5.77970733, 49.297159},
      {0.244015906, 3.78677391, 59.594685, 3.72812661, 57.7157446, 2.26932934, 25.8239427}},
     42.7272545, 0.773694374, 0.605411508, 1, 2.20008101, 0.102287031, 0.140609146, 0.0352541156, 29, 0.445661844,
     1.01018981},
    {50, 100, 0.02,
     {{60.8208428, 100, 278.128039, 99.7230219, 275.835094, 56.0039935, 69.3147181},
      {275.949745, 100.106996, 292.624226, 99.8156947, 289.987922, 52.3688587, 66.6020291},
      {3207.88943, 263.928282, 944.678696, 262.992066, 927.861121, 28.1133053, 99.0547962},
      {5068.13599, 675.969272, 8060.63331, 668.424688, 7085.08499, 10.5517341, 134.625595},
      {0.856155611, 6.19293551, 172.584189, 6.04522004, 128.736738, 12.7523206, 11.15958},
      {0.0410075621, 1.11113977, 63.911651, 1.0543742, 50.7240743, 8.30246258, 8.2041109}},
     25.6025048, 6477.28747, 0.486780658, 43, 8.15315388, 0.183299748, 0.716565249, 0.262986183, 33, 0.769933674,
     9.76581563},
    {100, 100, 0.01,
     {{91.5810182, 100, 419.251408, 99.5829971, 414.768849, 53.9935681, 69.3147181},
      {938.262542, 146.973837, 725.269594, 146.253894, 714.662257, 39.6124348, 75.7275016},
      {5825.71172, 1345.91953, 19311.0186, 1327.37186, 17819.8449, 7.69551145, 179.548031},
      {4918.611, 479.205797, 4200.38335, 475.128354, 3958.60602, 15.2983085, 125.189751},
      {2859.22063, 255.821717, 52882.8534, 241.173946, 6252.19973, 22.0122663, 76.3457523},
      {0.0625094644, 1.72056863, 107.260935, 1.62932672, 78.9456163, 10.1744849, 9.59444448}},
     29.153921, 10864.9094, 0.344449307, 66, 10.0278714, 0.149043025, 0.727415353, 0.222791494, 47, 0.744130045,
     12.3929168},
    {100, 400, 0.02,
     {{272.19671, 400, 988.143501, 399.014496, 982.871364, 19.9874386, 277.258872},
      {249.917995, 384.388503, 1002.01267, 383.389316, 996.370094, 18.9496611, 260.79113},
      {228.022757, 337.293039, 846.435621, 336.448899, 841.850391, 19.844636, 245.592199},
      {78.0371572, 193.148826, 555.589798, 192.594919, 552.229825, 17.5934218, 161.96434},
      {7.95398772, 45.1396813, 258.845037, 44.8823382, 255.85023, 8.75932399, 59.764614},
      {0.262729205, 3.98283805, 61.9306376, 3.92190466, 59.953906, 3.41783898, 32.6625306}},
     47.9026995, 10.2859019, 0.850314315, 12, 3.32867554, 0.109155598, 0.167923619, 0.0395213664, 28, 0.457413028,
     1.05630803},
    {100, 300, 0.1, /* straight: first and second eigenvalue agree to six digits, the split is arbitrary */
     {{75.0001582, 300, 1199.99747, 298.804783, 1190.4548, 0.260004717, 207.944154},
      {71.151603, 284.783728, 1139.84462, 283.648427, 1130.77467, 0.259848523, 200.541629},
      {67.5047653, 270.676641, 1085.34329, 269.595632, 1076.69147, 0.25939681, 193.518866},
      {44.6780316, 187.737624, 788.87575, 186.95205, 782.287573, 0.247984857, 148.76779},
      {8.72901797, 57.8023582, 382.759278, 57.4221168, 377.740029, 0.161016321, 64.7972317},
      {0.425250853, 7.05686986, 117.105967, 6.9416755, 113.313961, 0.070261197, 30.7138974}},
     46.3483517, 0.00028414997, 0.539403534, -1, 0.0602611587, 0.060261095, 0.00333337408, 0, 37, 0.459634408, 1},
};
  static hfy_kernel_fisher fisher[201];
  static double progress[201], deviation[201], principal[200], tail[200];
  size_t c, r, t;
  for (c = 0; c < 5; c++) {
    hfy_kernel k = random_memory(42, (size_t)cases[c].P, (size_t)cases[c].N, cases[c].gamma);
    hfy_kernel_path path;
    double sum = 0;
    int whole = c == 1 || (c == 2 && FULL), straight = c == 4;
    if (!FULL && (c == 0 || c == 3)) continue;
    memset(&path, 0, sizeof path);
    path.fisher = whole ? fisher : NULL;
    path.progress = progress, path.deviation = deviation, path.principal = principal, path.tail = tail;
    fine(hfy_kernel_gram(&k, gram, &work));
    fine(hfy_kernel_follow(&k, 0, gram, 0, 0, 200, 0, whole ? 1e-3 : 0, &path, &work));
    descend(&k, 0.1, 200, h);
    for (r = 0; r < 6; r += cases[c].P > 100 && !FULL ? 5 : 1) {
      /* along a descent of the test's own, all values, and what follow said of them */
      const double *want = cases[c].rows[r];
      hfy_kernel_fisher f;
      fine(hfy_kernel_information(&k, 0, h + at[r] * k.count, gram, 0.01, 1e-3, &f, NULL, NULL, &work));
      check_fisher(&f, want, 1e-6);
      if (whole) check_fisher(fisher + at[r], want, 1e-6);
      if (!r) CHECK_NEAR(f.riemannian, cases[c].P, 1e-12); /* exactly P at 0 */
    }
    relative(path.length, cases[c].length, 1e-6, "normA");
    relative(path.sum_principal + path.sum_tail, cases[c].principal + cases[c].tail, 1e-6, "PG + TG");
    relative(path.sum_principal, cases[c].principal, straight ? 1e-2 : 1e-6, "sumPG");
    relative(path.sum_tail, cases[c].tail, straight ? 1e-2 : 1e-6, "sumTG");
    CHECK(path.last_principal == (cases[c].last < 0 ? SIZE_MAX : (size_t)cases[c].last));
    relative(path.fisher_1, cases[c].lam1, 1e-6, "lam1");
    relative(path.fisher_2, cases[c].lam2, 1e-6, "lam2");
    relative(path.concentration, cases[c].conc, 1e-6, "conc");
    relative(path.path, cases[c].path, 1e-6, "path");
    CHECK(path.ambiguous == straight);
    if (straight) CHECK(path.most < 1e-6 && fabs(path.path - 1) < 1e-9);
    if (!straight) {
      relative(path.most, cases[c].most, 1e-6, "maxdev");
      relative(progress[path.most_at], cases[c].progress, 1e-6, "prog_at_max");
      CHECK(path.most_at == (size_t)cases[c].most_at);
    }
    CHECK(deviation[0] == 0 && deviation[200] < 1e-7 && fabs(progress[200] - 1) < 1e-12);
    for (t = 0; t < 200; t++) sum += principal[t], CHECK(tail[t] >= 0);
    relative(sum, path.sum_principal, 1e-12, "sum");
  }
  { /* the straight run at gamma = 0.1 in logits */
    hfy_kernel k = random_memory(42, 100, 100, 0.1);
    hfy_kernel_path path;
    memset(&path, 0, sizeof path);
    path.progress = progress, path.deviation = deviation;
    fine(hfy_kernel_follow(&k, 0, NULL, 0, 0, 200, 1, 0, &path, &work));
    CHECK(path.most < 1e-4);
  }
  { /* the chaotic one, at its first steps */
    static const double first[] = {4362.0589, 400, 555.260297, 399.446099, 552.54781, 787.349361, 277.258872};
    hfy_kernel k = random_memory(42, 400, 100, 0.01);
    hfy_kernel_path path;
    memset(&path, 0, sizeof path);
    path.fisher = fisher;
    fine(hfy_kernel_follow(&k, 0, NULL, 0, 0, 2, 0, 1e-3, &path, &work));
    check_fisher(fisher, first, 1e-8);
    relative(fisher[1].euclidean, 251956.855, 1e-4, "g2");
    relative(fisher[1].riemannian, 6.47217964e+09, 1e-4, "riem");
    relative(fisher[1].loss, 3105.64862, 1e-4, "loss");
    CHECK(fabs(fisher[2].log10_riemannian - 56.1) < 0.5);
  }
}

/* Closed forms against G itself: G (natural step) = gradient, and the gradient against differences of L. */
TEST(information) {
  enum { P = 25, N = 30 };
  hfy_kernel k = random_memory(5, P, N, 0.03);
  hfy_rng rng = hfy_rng_seed(1);
  double a[P], g[P], step[P], v[P], kh[P];
  hfy_kernel_fisher f, up, down;
  size_t i, j, neuron = 3;
  for (i = 0; i < P; i++) a[i] = hfy_rng_normal(&rng);
  fine(hfy_kernel_gram(&k, gram, &work));
  fine(hfy_kernel_information(&k, neuron, a, NULL, 0.05, 1e-12, &f, g, step, &work));
  for (i = 0; i < P; i++) {
    double e = 1e-6, hold = a[i];
    a[i] = hold + e;
    fine(hfy_kernel_information(&k, neuron, a, gram, 0.05, 0, &up, NULL, NULL, &work));
    a[i] = hold - e;
    fine(hfy_kernel_information(&k, neuron, a, gram, 0.05, 0, &down, NULL, NULL, &work));
    a[i] = hold;
    CHECK_NEAR((up.loss - down.loss) / (2 * e), g[i], 1e-8);
    CHECK(up.damped_natural != up.damped_natural);
  }
  for (i = 0; i < P; i++)
    for (kh[i] = v[i] = 0, j = 0; j < P; j++) kh[i] += gram[i * P + j] * a[j], v[i] += gram[i * P + j] * step[j];
  for (i = 0; i < P; i++) v[i] *= 1 / ((1 + exp(-kh[i])) * (1 + exp(kh[i])));
  for (i = 0; i < P; i++) {
    double sum = 0;
    for (j = 0; j < P; j++) sum += gram[i * P + j] * v[j];
    CHECK_NEAR(sum, g[i], 1e-11);
  }
  {
    double e2 = 0, r2 = 0, n2 = 0;
    for (i = 0; i < P; i++) e2 += g[i] * g[i], r2 += g[i] * step[i], n2 += step[i] * step[i];
    relative(f.euclidean, e2, 1e-12, "|g|^2");
    relative(f.riemannian, r2, 1e-10, "g.G^-1 g");
    relative(f.natural, n2, 1e-12, "|G^-1 g|^2");
    relative(f.damped_riemannian, r2, 1e-6, "damped");
  }
  for (i = 0; i < P; i++) a[i] *= 1e4; /* far out: the plain values leave double, their logarithms do not */
  fine(hfy_kernel_information(&k, neuron, a, gram, 0.05, 0, &f, g, NULL, &work));
  CHECK(f.riemannian > 1e300 && f.log10_riemannian > 300 && f.log10_riemannian < 1e5 && f.log10_natural > 600);
}

/* One neuron, one pattern, K = own: what follows from h = own a. */
static hfy_kernel_fisher fisher_of(double own, double a, double lambda, double *step) {
  static const uint64_t up = 1;
  double table[2] = {0, 0}, g;
  hfy_kernel_fisher f;
  hfy_kernel k;
  memset(&k, 0, sizeof k);
  table[0] = own;
  k.dim = k.count = 1, k.patterns = &up, k.kind = HFY_KERNEL_TABLE, k.table = table;
  fine(hfy_kernel_information(&k, 0, &a, NULL, lambda, 0, &f, &g, step, &work));
  return f;
}

TEST(information_of_extremes) {
  double step, want = exp(715 + 2 * log(7.15e-98)), r = 0.01 * 5e-198 - exp(-500);
  hfy_kernel_fisher f = fisher_of(1, 715, 1e-100, &step); /* e^-h has few digits, e^h is no double: r^2 e^h is one */
  relative(f.riemannian, want, 1e-11, "r^2 e^h");
  f = fisher_of(1e-200, 0, 0, &step); /* a step whose square is no double */
  relative(step, -2e200, 1e-13, "step");
  CHECK_NEAR(f.log10_natural, 2 * log10(2e200), 1e-11);
  f = fisher_of(1e200, 5e-198, 0, &step); /* or is 0 */
  relative(step, r * exp(500) / 1e200, 1e-11, "small step");
  CHECK_NEAR(f.log10_natural, 2 * (log10(r) + 500 / log(10) - 200), 1e-11);
  CHECK(f.natural <= 0);
}

/* Where K is nearly 1, the eigenvalues of K D K crowd at 1/16 like p(1-p) does: the largest is found all the same. */
TEST(sharpness_in_a_crowd) {
  enum { P = 312, N = 190 };
  hfy_kernel k = random_memory(112, P, N, 0.5);
  hfy_rng rng = hfy_rng_seed(3);
  double a[P];
  hfy_kernel_curvature whole;
  hfy_kernel_fisher f;
  size_t i;
  for (i = 0; i < P; i++) a[i] = hfy_rng_normal(&rng);
  fine(hfy_kernel_information(&k, 0, a, NULL, 1e-3, 0, &f, NULL, NULL, &work));
  fine(hfy_kernel_curvatures(&k, 0, a, NULL, 1e-3, &whole, NULL, NULL, &work));
  relative(f.sharpness, whole.hessian_1, 1e-11, "sharpness");
}

/* KL(p(x) || p(y)) is the integral over s = 0 .. d of (d - s) p'(x + s), d = y - x: nothing cancels. */
TEST(small_divergences) {
  enum { STEPS = 40 };
  static const double etas[] = {1e-5, 2.2e-4, 1e-3};
  double divergence[STEPS], a, next, middle;
  hfy_kernel k = random_memory(1, 1, 1, 1);
  size_t e, t;
  for (e = 0; e < 3; e++) {
    hfy_kernel_path path;
    memset(&path, 0, sizeof path);
    path.divergence = divergence;
    fine(hfy_kernel_follow(&k, 0, NULL, etas[e], 0.1, STEPS, 0, 0, &path, &work));
    for (a = 0, t = 0; t < STEPS; t++, a = next) {
      next = a - etas[e] * (0.1 * a - 1 / (1 + exp(a)));
      middle = (a + next) / 2;
      relative(divergence[t], (next - a) * (next - a) / 6 *
               (1 / (2 + 2 * cosh(next)) + 2 / (2 + 2 * cosh(middle))), 1e-11, "divergence");
    }
  }
}

/* --- B: baselines; T: untrained memories --- */

TEST(baselines) {
  static const struct {
    int ridge;
    double gamma, P, M0, rho0, sumA2, ff, margin, rec10, rec20, rec30, randfix;
  } rows[] = {{0, 0.02, 200, 77.1096404, -0.831644345, 20000, 1, 0.121761137, 0.4, 0, 0, 0},
              {1, 0.02, 200, 52.0602636, -0.939179275, 15608.0001, 1, 0.987281937, 1, 1, 0.51, 0},
              {0, 0.02, 400, 68.0931775, -0.837624555, 40000, 0.9775, -0.118161867, 0, 0, 0, 0},
              {1, 0.02, 400, 19.7886635, -0.975168442, 24592.4342, 1, 0.98796853, 1, 0.25, 0, 0.415},
              {0, 0.03, 400, 62.9860333, -0.964125685, 40000, 1, 0.814978991, 1, 1, 0.18, 0},
              {1, 0.03, 400, 53.5660227, -0.980544061, 34486.7037, 1, 0.989030992, 1, 1, 0.45, 0},
              {0, 0.05, 400, 96.5479973, -0.980658765, 40000, 1, 0.992645967, 1, 1, 0.99, 0},
              {1, 0.05, 400, 94.1902349, -0.981130578, 38981.1046, 1, 0.99002792, 1, 1, 0.99, 0}};
  size_t r, i;
  for (r = 0; r < 8; r++) {
    hfy_kernel k;
    if (SLOW && r > 1 && r != 3) continue;
    k = random_memory(42, (size_t)rows[r].P, 100, rows[r].gamma);
    hfy_kernel_training how;
    hfy_kernel_geometry g;
    double M, rho, sum = 0, margin;
    memset(&how, 0, sizeof how);
    how.trainer = rows[r].ridge ? HFY_KERNEL_RIDGE : HFY_KERNEL_RAW;
    fine(hfy_kernel_train(&k, &how, alpha, NULL, &work));
    g = geometry_of(&k, 1, &M, &rho);
    relative(g.sharpness, rows[r].M0, 1e-8, "M0");
    relative(g.interference, rows[r].rho0, 1e-8, "rho0");
    for (i = 0; i < k.count * 100; i++) sum += alpha[i] * alpha[i];
    relative(sum, rows[r].sumA2, 1e-8, "sumA2");
    fine(hfy_kernel_stored(&k, NULL, &margin, &work));
    relative(margin, rows[r].margin, 1e-8, "margin");
    recalls(&k, rows[r].ff, rows[r].rec10, rows[r].rec20, rows[r].rec30, rows[r].randfix);
  }
}

TEST(untrained) {
  static const double rows[][8] = {{1600, 0.03, 0.99, 1, 0.05, 1, 0, 0.99},
                                   {1600, 0.106, 1, 1, 1, 1, 0.96, 0.99},
                                   {6400, 0.173, 1, 1, 1, 1, 0.83, 0.92}};
  static const size_t flips[] = {10, 20, 30};
  size_t r, f, i;
  for (r = 0; r < (SLOW ? 2 : 3); r++) {
    hfy_kernel k = random_memory(42, (size_t)rows[r][0], 100, rows[r][1]);
    hfy_kernel_training how;
    hfy_rng rng = hfy_rng_seed(7);
    double recovered[3];
    memset(&how, 0, sizeof how);
    for (i = 0; i < k.count * 100; i++) alpha[i] = state_of(bits + i / 100 * 2, i % 100);
    fine(hfy_kernel_basins(&k, 100, flips, 3, &rng, recovered, NULL, &work));
    for (f = 0; f < 3; f++) {
      size_t nearest = 0;
      CHECK(fabs(recovered[f] - rows[r][2 + 2 * f]) < 0.0101);
      k.nearest = 1; /* one nearest pattern: that pattern comes back whole */
      rng = hfy_rng_seed(7);
      fine(hfy_kernel_flip(bits, 100, 100, flips[f], &rng, cues, &work));
      fine(hfy_kernel_recall(&k, cues, 100, ends, NULL, &work));
      for (i = 0; i < 100; i++) nearest += !memcmp(ends + 2 * i, bits + 2 * i, 16);
      CHECK(fabs((double)nearest / 100 - rows[r][3 + 2 * f]) < 0.0101);
      k.nearest = 0;
      rng = hfy_rng_seed(7);
    }
  }
  CHECK_NEAR(hfy_kernel_gamma(0.1), 0.27465307216702744, 1e-14);
  CHECK_NEAR(hfy_kernel_gamma(0.2), 0.1732867951399863, 1e-14);
  CHECK(hfy_kernel_gamma(0.5) != hfy_kernel_gamma(0.5) && hfy_kernel_gamma(0) != hfy_kernel_gamma(0));
}

/* --- A: bit after bit --- */

TEST(asynchronous) {
  static const double rows[][5] = {{0.02, 10, 1, 1000, 10}, {0.02, 20, 0.97, 1959, 22}, {0.05, 10, 1, 1000, 10},
                                   {0.05, 20, 1, 2000, 20}};
  size_t r, i, flips[100], period[100], steps[100];
  hfy_kernel_report report;
  memset(&report, 0, sizeof report);
  report.flips = flips, report.period = period, report.steps = steps;
  for (r = 0; r < (FULL ? 4 : 2); r++) {
    hfy_kernel k = trained_300();
    hfy_rng rng = hfy_rng_seed(7);
    size_t whole = 0, total = 0, most = 0;
    k.gamma = rows[r][0];
    if (r > 1) fine(hfy_kernel_train(&k, NULL, alpha, NULL, &work));
    k.order = HFY_BINARY_FIXED, k.max_steps = 20;
    fine(hfy_kernel_flip(bits, 100, 100, (size_t)rows[r][1], &rng, cues, &work));
    fine(hfy_kernel_recall(&k, cues, 100, ends, &report, &work));
    for (i = 0; i < 100; i++) {
      whole += !memcmp(ends + 2 * i, bits + 2 * i, 16);
      total += flips[i];
      most = flips[i] > most ? flips[i] : most;
      CHECK(period[i] == 1 && steps[i] >= 2 && flips[i] >= distance(cues + 2 * i, ends + 2 * i, 100));
    }
    CHECK(fabs((double)whole / 100 - rows[r][2]) < 0.0101);
    CHECK(fabs((double)total - rows[r][3]) <= 3 && fabs((double)most - rows[r][4]) <= 3);
    k.order = HFY_BINARY_RANDOM, k.seed = 11;
    fine(hfy_kernel_recall(&k, cues, 100, ends, &report, &work));
    for (whole = 0, i = 0; i < 100; i++) whole += !memcmp(ends + 2 * i, bits + 2 * i, 16);
    CHECK(fabs((double)whole / 100 - rows[r][2]) < 0.04);
    k.seed = 11 + 60; /* state j draws from seed + j */
    fine(hfy_kernel_recall(&k, cues + 120, 1, cues, NULL, &work));
    CHECK(!memcmp(cues, ends + 120, 16));
  }
}

/* --- E: one pattern, the same twice, opposite ones --- */

TEST(edge_cases) {
  static const double rows[][6] = {{3.359275046, 3.359275046, 1128.472883, 0, 0, 9.059359438},
                                   {1.95699741, 3.91399482, 1531.935545, 0, 0, 11.61247805},
                                   {7.583929266, 2.500269451, 2055.473833, 413.4975538, 1, 34.73572602}};
  size_t r, j;
  for (r = 0; r < 3; r++) {
    hfy_kernel k = random_memory(42, 1, 100, r < 2 ? 0.02 : 0.001);
    hfy_kernel_training how;
    hfy_kernel_result result;
    hfy_kernel_geometry g;
    hfy_kernel_spectrum s;
    double M, rho, margin;
    memset(&how, 0, sizeof how);
    how.tol = 1e-12;
    k.count = r ? 2 : 1;
    bits[2] = bits[0], bits[3] = bits[1];
    for (j = 0; r == 2 && j < 100; j++) bits[2 + j / 64] ^= UINT64_C(1) << (j % 64);
    fine(hfy_kernel_train(&k, &how, alpha, &result, &work));
    relative(fabs(alpha[0]), rows[r][0], 1e-8, "alpha00");
    relative(result.loss, rows[r][5], 1e-8, "loss");
    g = geometry_of(&k, 1, &M, &rho);
    relative(g.sharpness, rows[r][2], 1e-8, "M0");
    relative(g.indirect, rows[r][3], 1e-8, "Fi2");
    CHECK_NEAR(g.interference, rows[r][4], 1e-8);
    CHECK(g.undefined == (r < 2));
    fine(hfy_kernel_stored(&k, NULL, &margin, &work));
    relative(margin, rows[r][1], 1e-8, "margin");
    fine(hfy_kernel_spectra(&k, NULL, &s, NULL, NULL, NULL, NULL, &work));
    CHECK_NEAR(s.alpha_rank, 1, 1e-12);
    if (r == 1) { /* K is singular: no natural step, all else */
      double a[2] = {0.5, 0.25}, step[2] = {7, 7};
      hfy_kernel_fisher f;
      CHECK_FAILS(hfy_kernel_information(&k, 0, a, NULL, 0.01, 0, &f, NULL, step, &work), HFY_ERR_SINGULAR, &work,
                  "singular");
      CHECK(f.natural != f.natural && f.riemannian > 0 && step[0] == 7);
      how.trainer = HFY_KERNEL_PROJECTION; /* K^+ X: half each */
      fine(hfy_kernel_train(&k, &how, alpha, NULL, &work));
      CHECK_NEAR(fabs(alpha[0]), 0.5, 1e-13);
    }
  }
  { /* no steps at all: alpha = 0 */
    hfy_kernel k = random_memory(1, 7, 20, 0.1);
    hfy_kernel_spectrum s;
    hfy_kernel_geometry g;
    double M, rho;
    memset(alpha, 0, 140 * sizeof *alpha);
    fine(hfy_kernel_recall(&k, bits, 7, ends, NULL, &work));
    CHECK(!memcmp(bits, ends, 7 * sizeof *bits)); /* h = 0 keeps every bit */
    CHECK_FAILS(hfy_kernel_spectra(&k, NULL, &s, NULL, NULL, NULL, NULL, &work), HFY_ERR_UNSUPPORTED, &work,
                "alpha is 0");
    alpha[3] = HUGE_VAL;
    CHECK_FAILS(hfy_kernel_spectra(&k, NULL, &s, NULL, NULL, NULL, NULL, &work), HFY_ERR_NONFINITE, &work,
                "alpha holds NaN");
    alpha[3] = 0;
    g = geometry_of(&k, 7, &M, &rho);
    CHECK(g.undefined && g.sharpness == 0 && rho == 0);
  }
}

/* --- trainers against each other and against a plain solver of its own --- */

/* Minimises L for one neuron by Newton's method on h with a dense solve of its own: (D K + lambda) d = r. */
static void plain_newton(size_t P, const double *K, const double *y, double lambda, double *a) {
  static double m[60 * 61];
  size_t i, j, l, t;
  for (i = 0; i < P; i++) a[i] = 0;
  for (t = 0; t < 60; t++) {
    for (i = 0; i < P; i++) {
      double hi = 0, p;
      for (j = 0; j < P; j++) hi += K[i * P + j] * a[j];
      p = 1 / (1 + exp(-hi));
      for (j = 0; j < P; j++) m[i * (P + 1) + j] = p * (1 - p) * K[i * P + j] + (i == j ? lambda : 0);
      m[i * (P + 1) + P] = p - y[i] + lambda * a[i];
    }
    for (i = 0; i < P; i++) { /* Gauss-Jordan with pivots */
      size_t best = i;
      for (j = i; j < P; j++)
        if (fabs(m[j * (P + 1) + i]) > fabs(m[best * (P + 1) + i])) best = j;
      for (l = 0; l <= P; l++) {
        double v = m[i * (P + 1) + l];
        m[i * (P + 1) + l] = m[best * (P + 1) + l], m[best * (P + 1) + l] = v;
      }
      for (j = 0; j < P; j++) {
        double c = m[j * (P + 1) + i] / m[i * (P + 1) + i];
        if (j == i) continue;
        for (l = i; l <= P; l++) m[j * (P + 1) + l] -= c * m[i * (P + 1) + l];
      }
    }
    for (i = 0; i < P; i++) a[i] -= m[i * (P + 1) + P] / m[i * (P + 1) + i] * (t < 3 ? 0.5 : 1);
  }
}

TEST(trainers_agree) {
  enum { N = 20, P = 40 };
  int kind;
  size_t i, j;
  for (kind = 0; kind < 4; kind++) {
    hfy_kernel k = random_memory(12, P, N, kind == 1 ? 0.002 : kind ? 0 : 0.05);
    hfy_kernel_training how;
    hfy_kernel_result exact, paper;
    double a[P], y[P];
    if (kind > 1) k.kind = kind == 2 ? HFY_KERNEL_POLYNOMIAL : HFY_KERNEL_LINEAR, k.offset = 1;
    memset(&how, 0, sizeof how);
    how.tol = 1e-11;
    how.lambda = 0.02;
    fine(hfy_kernel_train(&k, &how, alpha, &exact, &work));
    CHECK(exact.iterations > 2 && exact.iterations < 10 && exact.residual < 1e-11);
    fine(hfy_kernel_gram(&k, gram, &work));
    for (j = 0; j < N; j += 6) { /* alpha is unique even if K is singular */
      for (i = 0; i < P; i++) y[i] = state_of(bits + i, j) > 0;
      plain_newton(P, gram, y, 0.02, a);
      for (i = 0; i < P; i++) CHECK_NEAR(alpha[i * N + j], a[i], 1e-7);
    }
    how.trainer = HFY_KERNEL_PAPER; /* run long, stably */
    how.max_iterations = 4000;
    how.eta = 1.8 / (exact.gram_largest * (exact.gram_largest / 4 + 0.02));
    how.tol = 0;
    if (kind == 0) {
      fine(hfy_kernel_train(&k, &how, other, &paper, &work));
      relative(paper.loss, exact.loss, 1e-8, "loss");
      CHECK(paper.gap < 1e-5 && paper.gap >= -1e-9 * paper.loss && paper.stability < 1);
      CHECK(paper.loss - exact.loss <= paper.gap + 1e-9);
    }
  }
}

/* Every kernel, wide and narrow, at every lambda: few steps, certified. */
TEST(one_solver_for_all) {
  static const double lambdas[] = {1e-2, 1e-3, 1e-4, 1e-6};
  const size_t N = FULL ? 100 : 40, P = FULL ? 300 : 90;
  size_t c, l;
  for (c = 0; c < 7; c++)
    for (l = 0; l < 4; l++) {
      static const double gammas[] = {0.02, 0, 1, 0, 1, 0.005, 1};
      hfy_kernel k = random_memory(40 + c, P, N, gammas[c]);
      hfy_kernel_training how;
      hfy_kernel_result r;
      memset(&how, 0, sizeof how);
      k.kind = c < 1 || c > 4 ? HFY_KERNEL_RBF : c < 3 ? HFY_KERNEL_LINEAR : HFY_KERNEL_POLYNOMIAL;
      how.lambda = lambdas[l];
      fine(hfy_kernel_train(&k, &how, alpha, &r, &work));
      if (!CHECK(r.iterations <= 20 && r.residual < 1e-8 && r.gap < 1e-6 * r.loss && r.gap > -1e-9 * r.loss) || FULL)
        printf("    kernel %zu lambda %g: %zu iterations, %zu products, gap / loss %g\n", c, how.lambda, r.iterations,
               r.products, r.gap / r.loss);
    }
}

/* From the coefficients of the same patterns and one more it is shorter, from those without one not longer. */
TEST(warm_start) {
  enum { P = 200, N = 100, MORE = 201 };
  static double start[MORE * N];
  hfy_kernel k = random_memory(17, MORE, N, 0.02);
  hfy_kernel_training how;
  hfy_kernel_result cold, warm;
  double mean = 0;
  size_t i, add;
  memset(&how, 0, sizeof how);
  for (add = 0; add < 2; add++) {
    memset(&how, 0, sizeof how);
    k.count = add ? P : MORE;
    fine(hfy_kernel_train(&k, NULL, start, NULL, &work));
    for (i = 0; i < P * N; i++) mean += fabs(start[i]) / (P * N);
    for (i = P * N; add && i < MORE * N; i++) start[i] = mean * state_of(bits + i / N * 2, i % N);
    k.count = add ? MORE : P;
    fine(hfy_kernel_train(&k, NULL, alpha, &cold, &work));
    how.start = start;
    fine(hfy_kernel_train(&k, &how, other, &warm, &work));
    for (i = 0; i < k.count * N; i++) CHECK_NEAR(alpha[i], other[i], 1e-6);
    if (!CHECK(add ? warm.iterations <= cold.iterations : warm.products < cold.products))
      printf("    %zu iterations, %zu products; cold %zu, %zu\n", warm.iterations, warm.products, cold.iterations,
             cold.products);
    how.start = alpha;
    fine(hfy_kernel_train(&k, &how, other, &warm, &work));
    CHECK(warm.iterations == 0 && !memcmp(alpha, other, P * N * sizeof *alpha));
  }
  how.trainer = HFY_KERNEL_PAPER, how.max_iterations = 3;
  fine(hfy_kernel_train(&k, &how, other, &warm, &work));
  relative(warm.loss, cold.loss, 1e-12, "loss");
}

/* What the comment of hfy_kernel_train promises. */
TEST(scratch) {
  static const size_t sizes[][2] = {{30, 20}, {200, 100}, {90, 300}};
  size_t c;
  int trainer;
  for (c = 0; c < 3; c++)
    for (trainer = HFY_KERNEL_EXACT; trainer <= HFY_KERNEL_RAW; trainer++) {
      const size_t P = sizes[c][0], N = sizes[c][1];
      hfy_kernel k = random_memory(1, P, N, 0.1);
      hfy_kernel_training how;
      hfy_work own = {0};
      size_t most = P * P + 4 * P * N + 300 * (P + N + 300) * 2; /* one worker */
      if (trainer == HFY_KERNEL_PROJECTION) continue;
      memset(&how, 0, sizeof how);
      how.trainer = (hfy_kernel_trainer)trainer;
      if (trainer == HFY_KERNEL_EXACT) most += P * P + 5 * P * N;
      if (trainer == HFY_KERNEL_RIDGE) most += P * P;
      CHECK(hfy_kernel_train(&k, &how, alpha, NULL, &own) == HFY_OK);
      if (!CHECK(own.peak <= most * sizeof(double)))
        printf("    trainer %d, P %zu N %zu: %zu bytes, %zu promised\n", trainer, P, N, own.peak, most * sizeof(double));
      hfy_work_free(&own);
    }
}

/* --- stop and resume --- */

typedef struct watch {
  size_t calls, stop_at, last;
  double residual;
} watch;

static int look(void *context, const hfy_kernel_progress *now) {
  watch *w = (watch *)context;
  w->calls++;
  CHECK(now->iteration == w->last + 1 && now->residual > 0 && now->residual_0 >= now->residual * 0.01);
  w->last = now->iteration;
  w->residual = now->residual;
  return w->calls == w->stop_at;
}

TEST(stop_and_resume) {
  static double state[2 * 60 * 70 + 8];
  int trainer;
  for (trainer = HFY_KERNEL_EXACT; trainer <= HFY_KERNEL_PAPER; trainer++) {
    hfy_kernel k = random_memory(3, 60, 70, 0.02);
    hfy_kernel_training how;
    hfy_kernel_result whole, part;
    watch w;
    memset(&how, 0, sizeof how);
    memset(&w, 0, sizeof w);
    how.trainer = (hfy_kernel_trainer)trainer;
    fine(hfy_kernel_train(&k, &how, alpha, &whole, &work));
    CHECK(hfy_kernel_state_size(70, 60) == sizeof state / sizeof *state);
    how.state = state, how.progress = look, how.context = &w, w.stop_at = 4;
    fine(hfy_kernel_train(&k, &how, other, &part, &work));
    CHECK(part.stopped && part.iterations == 4 && w.calls == 4 && part.residual > 1e-8);
    how.resume = 1;
    if (trainer == HFY_KERNEL_PAPER) how.max_iterations = 196;
    fine(hfy_kernel_train(&k, &how, other, &part, &work));
    CHECK(!part.stopped && part.iterations == whole.iterations && !memcmp(alpha, other, 60 * 70 * sizeof *alpha));
    CHECK(part.loss == whole.loss && part.residual == whole.residual);
    how.lambda = 0.5;
    CHECK_FAILS(hfy_kernel_train(&k, &how, other, &part, &work), HFY_ERR_ARG, &work, "state was not left by");
    how.lambda = 0, how.resume = 0, how.state = NULL, how.progress = NULL;
    how.max_iterations = 3, other[0] = 7;
    CHECK(hfy_kernel_train(&k, &how, other, &part, &work) ==
          (trainer == HFY_KERNEL_EXACT ? HFY_ERR_CONVERGENCE : HFY_OK));
    CHECK(other[0] != 7 && part.iterations == 3 && part.gap > 0);
    if (trainer == HFY_KERNEL_EXACT) CHECK_CONTAINS(work.message, "after 3 iterations");
  }
}

/* OK only if the gap is what tol asks for, and no gap below 0, whatever rounding does. */
TEST(gaps) {
  uint64_t packed[6];
  hfy_rng rng = hfy_rng_seed(91);
  hfy_kernel k;
  hfy_kernel_training how;
  hfy_kernel_result r;
  hfy_kernel_margins margins;
  size_t i, open = 0;
  memset(&k, 0, sizeof k), memset(&how, 0, sizeof how);
  fine(hfy_kernel_random(6, 40, &rng, packed, &work));
  k.dim = 40, k.count = 6, k.patterns = packed;
  for (i = 0; i < 160; i++) { /* stopped at an iteration where r is small, but the gap, |r|^2 over lambda, is not */
    hfy_status status;
    how.max_iterations = 1 + i % 20, how.tol = pow(10, -1 - (double)(i / 20)), how.lambda = 1e-6;
    status = hfy_kernel_train(&k, &how, alpha, &r, &work);
    CHECK((status == HFY_OK) == (r.residual < how.tol && r.gap <= fmax(10 * how.tol, 1e-7) * r.loss));
    if (status) CHECK_CONTAINS(work.message, " and loss ");
    open += status && r.residual < how.tol;
  }
  CHECK(open > 2);
  memset(&how, 0, sizeof how);
  for (i = 0; i < 60; i++) {
    k.count = 1 + i % 4, k.dim = 1 + i % 40, how.lambda = pow(10, (double)(i % 12) - 6);
    fine(hfy_kernel_random(4, k.dim, &rng, packed, &work));
    fine(hfy_kernel_train(&k, &how, alpha, &r, &work));
    CHECK(r.gap >= 0);
    k.kind = HFY_KERNEL_LINEAR, k.count = 1, k.gamma = 0.1 + 0.01 * (double)i;
    fine(hfy_kernel_train_margin(&k, NULL, alpha, &margins, &work));
    CHECK(margins.gap >= 0 && margins.gap < 1e-6 * margins.norm);
    k.kind = HFY_KERNEL_RBF, k.gamma = 0;
  }
}

/* --- packing edges, other kernels, the shift --- */

static double slow_kernel(const hfy_kernel *k, const uint64_t *a, const uint64_t *b) {
  double d = (double)distance(a, b, k->dim), dot = (double)k->dim - 2 * d;
  if (k->kind == HFY_KERNEL_RBF) return exp(-k->gamma * 4 * d);
  return k->kind == HFY_KERNEL_LINEAR ? k->gamma * dot : pow(k->gamma * dot + k->offset, k->degree);
}

TEST(packing_and_kernels) {
  static const size_t dims[] = {1, 2, 63, 64, 65, 127, 128, 129, 191};
  hfy_rng rng = hfy_rng_seed(31);
  size_t s, i, j, m;
  int kind;
  for (s = 0; s < sizeof dims / sizeof dims[0]; s++)
    for (kind = 0; kind < 3; kind++) {
      size_t N = dims[s], P = 9, B = 70, words = hfy_kernel_words(N);
      hfy_kernel k = random_memory(s, P, N, 0);
      double shift[70];
      if (!SLOW && !MINE(s + (size_t)kind)) continue;
      k.kind = (hfy_kernel_kind)kind;
      k.gamma = kind ? 1.0 / (double)N : 0.05, k.degree = 3, k.offset = 0.25;
      for (i = 0; i < P * N; i++) alpha[i] = hfy_rng_normal(&rng);
      fine(hfy_kernel_unpack(bits, P, N, x, &work));
      fine(hfy_kernel_pack(x, P, N, ends, &work));
      CHECK(!memcmp(bits, ends, P * words * 8));
      for (i = 0; i < P * N; i++) CHECK((double)x[i] == state_of(bits + i / N * words, i % N));
      fine(hfy_kernel_random(B, N, &rng, cues, &work));
      fine(hfy_kernel_potentials(&k, cues, B, h, NULL, &work));
      k.max_steps = 1;
      fine(hfy_kernel_recall(&k, cues, B, ends, NULL, &work));
      for (i = 0; i < B; i++)
        for (j = 0; j < N; j++) {
          double sum = 0, size = 0;
          for (m = 0; m < P; m++) {
            double v = slow_kernel(&k, cues + i * words, bits + m * words);
            sum += v * alpha[m * N + j], size += fabs(v * alpha[m * N + j]);
          }
          CHECK(fabs(h[i * N + j] - sum) <= 1e-13 * size);
          if (fabs(sum) > 1e-12 * size) CHECK(state_of(ends + i * words, j) * sum > 0);
        }
      memcpy(other, h, B * N * sizeof *h);
      fine(hfy_kernel_potentials(&k, cues, B, h, shift, &work));
      for (i = 0; i < B * N; i++) CHECK_NEAR(h[i] * exp(shift[i / N]), other[i], 1e-12);
      fine(hfy_kernel_gram(&k, gram, &work));
      for (i = 0; i < P; i++)
        for (j = 0; j < P; j++) CHECK_NEAR(gram[i * P + j], slow_kernel(&k, bits + i * words, bits + j * words), 1e-14);
    }
  { /* far from every pattern nothing underflows: gamma 0.5, 400 bits off */
    hfy_kernel k = random_memory(4, 3, 200, 5);
    for (i = 0; i < 600; i++) alpha[i] = state_of(bits + i / 200 * 4, i % 200);
    hfy_kernel_flip(bits, 3, 200, 60, &rng, cues, &work);
    fine(hfy_kernel_potentials(&k, cues, 3, h, NULL, &work));
    CHECK(h[0] == 0);
    fine(hfy_kernel_recall(&k, cues, 3, ends, NULL, &work));
    CHECK(!memcmp(ends, bits, 3 * 32));
    k.order = HFY_BINARY_RANDOM;
    fine(hfy_kernel_recall(&k, cues, 3, ends, NULL, &work));
    CHECK(!memcmp(ends, bits, 3 * 32));
  }
  { /* two neurons that copy each other: a cycle of two at once, none one by one */
    hfy_kernel k;
    static const uint64_t pair[2] = {1, 2};
    uint64_t cue = 1, end;
    double swap[4] = {-1, 1, 1, -1}; /* linear: h = W x with W = [0 1; 1 0] up to a factor */
    size_t period, steps;
    hfy_kernel_report report;
    memset(&k, 0, sizeof k);
    memset(&report, 0, sizeof report);
    report.period = &period, report.steps = &steps;
    k.dim = k.count = 2, k.patterns = pair, k.kind = HFY_KERNEL_LINEAR, k.alpha = swap;
    fine(hfy_kernel_recall(&k, &cue, 1, &end, &report, &work));
    CHECK(period == 2 && steps == 2 && end == 1);
    k.max_steps = 1;
    fine(hfy_kernel_recall(&k, &cue, 1, &end, &report, &work));
    CHECK(period == 0 && end == 2);
  }
}

/* --- float, bytes, the nearest, and the net --- */

TEST(other_recalls) {
  static const size_t flips[] = {10, 20};
  size_t g, i, near;
  for (g = 0; g < 2; g++) {
    hfy_kernel k = g ? random_memory(42, 100, 100, 0.2) : trained_300();
    const size_t size = k.count * 100;
    hfy_rng rng = hfy_rng_seed(7);
    double exact[2], same[2], scale;
    if (g) fine(hfy_kernel_train(&k, NULL, alpha, NULL, &work));
    fine(hfy_kernel_basins(&k, 100, flips, 2, &rng, exact, NULL, &work));
    for (i = 0; i < size; i++) single[i] = (float)alpha[i];
    fine(hfy_kernel_quantize(alpha, size, bytes, &scale, &work));
    for (i = 0; i < size; i++) CHECK(fabs(bytes[i] * scale - alpha[i]) <= 0.5000001 * scale);
    k.alpha = NULL, k.alpha_float = single;
    fine(hfy_kernel_basins(&k, 100, flips, 2, &rng, same, NULL, &work));
    CHECK(fabs(same[0] - exact[0]) < 0.011 && fabs(same[1] - exact[1]) < 0.011);
    k.alpha_float = NULL, k.alpha_bytes = bytes;
    fine(hfy_kernel_basins(&k, 100, flips, 2, &rng, same, NULL, &work));
    CHECK(fabs(same[0] - exact[0]) < 0.021 && fabs(same[1] - exact[1]) < 0.031);
    for (near = 1; near <= 16; near *= 4) { /* the k nearest recall as well or better */
      k.nearest = near;
      k.order = near == 4 ? HFY_BINARY_FIXED : HFY_BINARY_SYNCHRONOUS;
      fine(hfy_kernel_basins(&k, 100, flips, 2, &rng, same, NULL, &work));
      CHECK(same[0] >= exact[0] - 0.011 && same[1] >= exact[1] - 0.011);
    }
    k.alpha_bytes = NULL, k.alpha = alpha, k.nearest = k.count, k.order = HFY_BINARY_SYNCHRONOUS;
    fine(hfy_kernel_basins(&k, 100, flips, 2, &rng, same, NULL, &work));
    CHECK(same[0] == exact[0] && same[1] == exact[1]);
  }
}

TEST(nearest_exactly) {
  hfy_rng rng = hfy_rng_seed(3);
  size_t c, i, j, m, near;
  for (c = 0; c < 20; c++) { /* few bits: many ties */
    hfy_kernel k = random_memory(c, 30, 7, 0.1);
    near = 1 + c;
    for (i = 0; i < 210; i++) alpha[i] = hfy_rng_normal(&rng);
    fine(hfy_kernel_random(40, 7, &rng, cues, &work));
    k.nearest = near;
    fine(hfy_kernel_potentials(&k, cues, 40, h, NULL, &work));
    for (i = 0; i < 40; i++)
      for (j = 0; j < 7; j++) {
        double sum = 0;
        for (m = 0; m < 30; m++) { /* rank: how many are nearer, or as near with a lower index */
          size_t rank = 0, o, d = distance(cues + i, bits + m, 7);
          for (o = 0; o < 30; o++) {
            size_t e = distance(cues + i, bits + o, 7);
            rank += e < d || (e == d && o < m);
          }
          if (rank < near) sum += exp(-0.4 * (double)d) * alpha[m * 7 + j];
        }
        CHECK_NEAR(h[i * 7 + j], sum, 1e-13);
      }
  }
}

/* Patterns that cannot turn a bit are left out: the same bits and the same report as with all of them, whatever alpha
   holds: trained, wild in size (so that far patterns do turn bits), sums that cancel to 0, in float, in bytes. */
TEST(skipping_changes_nothing) {
  enum { MOST = 300 };
  static const size_t dims[] = {30, 64, 100, 130, 200}, counts[] = {1, 7, 33, 200, 397};
  static const double thirds[] = {0.1, 0.2, -0.3}; /* ties of the nearest: sums of rounding alone */
  static double bound[N_MOST];
  static uint64_t all[MOST * WORDS];
  static size_t steps[2][MOST], period[2][MOST], flips[2][MOST];
  size_t round, i, j, n, words, states = MOST;
  for (round = 0; round < 40; round++) { /* each dim with each count */
    hfy_rng rng = hfy_rng_seed(4000 + round);
    const size_t N = dims[round % 5], P = counts[round / 5 % 5], how = round % 4;
    const int blind = round % 3 == 1; /* neurons that do not see their own bit */
    const double gamma = blind ? (how == 1 ? 0.5 : 0.08) : round % 7 == 0 ? 20 : round % 3 ? 0.03 : 0.08;
    hfy_kernel k = random_memory(round, P, N, gamma);
    hfy_kernel_report report;
    for (i = 0; i < P * N; i++) {
      double size = how == 1 ? pow(10, -6 * hfy_rng_uniform(&rng)) : 1;
      alpha[i] = how == 2 ? (double)(hfy_rng_u64(&rng) % 3) - 1 : size * hfy_rng_normal(&rng);
      if (gamma > 1) alpha[i] = thirds[hfy_rng_u64(&rng) % 3];
    }
    if (how == 2 && gamma < 1) /* pairs of rows that cancel where a state is as far from both */
      for (i = 1; i < P; i += 2)
        for (j = 0; j < N; j++) alpha[i * N + j] = -alpha[(i - 1) * N + j];
    if (how == 3 && P * N <= 200 * 30 && gamma < 1) fine(hfy_kernel_train(&k, NULL, alpha, NULL, &work));
    k.max_steps = 1 + round % 6, k.no_self = blind;
    words = hfy_kernel_words(N);
    fine(hfy_kernel_random(states, N, &rng, cues, &work));
    for (i = 0; i < states; i += 1 + i % 3) /* most start near a stored pattern */
      fine(hfy_kernel_flip(bits + hfy_rng_u64(&rng) % P * words, 1, N, (size_t)(hfy_rng_u64(&rng) % (N / 5)), &rng,
                           cues + i * words, &work));
    if (round % 8 == 5) {
      for (i = 0; i < P * N; i++) single[i] = (float)alpha[i];
      k.alpha = NULL, k.alpha_float = single;
    }
    if (round % 8 == 6) {
      fine(hfy_kernel_quantize(alpha, P * N, bytes, NULL, &work));
      k.alpha = NULL, k.alpha_bytes = bytes;
    }
    memset(&report, 0, sizeof report);
    for (i = 0; i < states; i += n) { /* all patterns */
      n = states - i < 150 ? states - i : 150;
      report.steps = steps[0] + i, report.period = period[0] + i, report.flips = flips[0] + i;
      fine(hfy_kernel_recall(&k, cues + i * words, n, all + i * words, &report, &work));
    }
    report.steps = steps[1], report.period = period[1], report.flips = flips[1];
    if (round % 2) { /* bounds given, few states and many; else found, as there are many */
      fine(hfy_kernel_bound(&k, bound, &work));
      k.bound = bound;
      for (j = 0; j < N; j++) {
        double most = 0;
        for (i = 0; i < P; i++) {
          double a = fabs(k.alpha         ? k.alpha[i * N + j]
                          : k.alpha_float ? (double)k.alpha_float[i * N + j]
                                          : (double)k.alpha_bytes[i * N + j]);
          most = a > most ? a : most;
        }
        CHECK(bound[j] >= most && bound[j] <= most);
      }
      for (n = 1; n < 7; n++) {
        hfy_kernel_report none;
        memset(&none, 0, sizeof none);
        fine(hfy_kernel_recall(&k, cues, n, ends, &none, &work));
        CHECK(!memcmp(ends, all, n * words * sizeof *all));
      }
    }
    fine(hfy_kernel_recall(&k, cues, states, ends, &report, &work));
    CHECK(!memcmp(ends, all, states * words * sizeof *all));
    CHECK(!memcmp(steps[0], steps[1], sizeof steps[0]) && !memcmp(period[0], period[1], sizeof period[0]));
    CHECK(!memcmp(flips[0], flips[1], sizeof flips[0]));
    for (i = 0; i < 4; i++) {
      static const hfy_isa isas[] = {HFY_ISA_SCALAR, HFY_ISA_SSE2, HFY_ISA_AVX2, HFY_ISA_NEON};
      if (round % 10 == 1 && k.bound) {
        work.isa = isas[i];
        if (hfy_kernel_recall(&k, cues, states, ends, &report, &work) != HFY_ERR_UNSUPPORTED) {
          k.bound = NULL; /* all patterns by that instruction set: its rounding is its own */
          for (j = 0; j < states; j += 150)
            fine(hfy_kernel_recall(&k, cues + j * words, 150, all + j * words, NULL, &work));
          k.bound = bound;
          CHECK(!memcmp(ends, all, states * words * sizeof *all));
        }
        work.isa = HFY_ISA_BEST;
      }
    }
  }
}

/* Numbers far from 1: K and alpha that float does not hold, alpha whose squares leave double, points, bounds and steps
   whose squares or sums do: right, or no HFY_OK. */
TEST(far_from_1) {
  enum { P = 20, N = 100 };
  static const double gammas[] = {0, 1, 1e-13, 1}, degrees[] = {64, 30, 8, 25}, sizes[] = {1, 1e-30, 1, 1};
  static const double units[] = {1, 1e-100, 1e-170, 1e-300, 1e160, 1e300};
  double bound[N], far[8], fd[8], a[8], step[8], grad[8], first[3] = {0, 0, 0}, result = 7, top, ratio = 0;
  hfy_kernel k = random_memory(3, P, N, 0);
  hfy_rng rng = hfy_rng_seed(9);
  hfy_kernel_training how;
  hfy_kernel_result r;
  hfy_kernel_spectrum s;
  hfy_kernel_fisher f;
  hfy_net net;
  size_t c, i, j, l, apart;
  for (c = 0; c < 4; c++) { /* the same alpha in float, signs but for rounding */
    k = random_memory(3, P, N, gammas[c]);
    k.kind = HFY_KERNEL_POLYNOMIAL, k.degree = degrees[c], k.max_steps = 1;
    for (i = 0; i < P * N; i++) single[i] = (float)(sizes[c] * hfy_rng_normal(&rng)), alpha[i] = (double)single[i];
    fine(hfy_kernel_random(50, N, &rng, cues, &work));
    fine(hfy_kernel_recall(&k, cues, 50, ends, NULL, &work));
    k.alpha = NULL, k.alpha_float = single;
    fine(hfy_kernel_recall(&k, cues, 50, cues, NULL, &work));
    for (apart = i = 0; i < 50; i++) apart += distance(cues + 2 * i, ends + 2 * i, N);
    CHECK(apart < 5);
  }
  k = random_memory(4, P, N, 0.001); /* sums beyond double, bounds or not */
  for (i = 0; i < P * N; i++) alpha[i] = i % 3 ? 1e308 : -1e308;
  fine(hfy_kernel_bound(&k, bound, &work));
  k.bound = bound;
  CHECK_FAILS(hfy_kernel_recall(&k, cues, 3, ends, NULL, &work), HFY_ERR_NONFINITE, &work, "potentials");
  k.bound = NULL, k.nearest = 3;
  CHECK_FAILS(hfy_kernel_net(&k, keys, values, &net, &work), HFY_ERR_UNSUPPORTED, &work, "nearest is 3");
  k = random_memory(5, 6, 8, 1e-10), k.no_self = 1;
  for (i = 0; i < 8; i++) far[i] = 2e155, alpha[i] = 1; /* |x - xi|^2 is beyond double: K is 0 */
  k.count = 1;
  fine(hfy_kernel_forces(&k, far, 1, fd, NULL, NULL, &work));
  for (i = 0; i < 8; i++) CHECK(fabs(fd[i]) <= 0);
  k = random_memory(6, 6, 5, 0.1);
  for (c = 0; c < 6; c++) {
    rng = hfy_rng_seed(1);
    for (i = 0; i < 30; i++) alpha[i] = units[c] * hfy_rng_normal(&rng);
    fine(hfy_kernel_spectra(&k, NULL, &s, NULL, NULL, NULL, NULL, &work));
    if (!c) first[0] = s.operator_1, first[1] = s.operator_rank, first[2] = s.logits_1;
    relative(s.operator_1 / units[c], first[0], 1e-12, "operator");
    relative(s.operator_rank, first[1], 1e-12, "operator's rank");
    relative(s.logits_1 / units[c], first[2], 1e-12, "logits");
  }
  k.kind = HFY_KERNEL_POLYNOMIAL, k.gamma = 1e60; /* its square is stability */
  memset(&how, 0, sizeof how), how.trainer = HFY_KERNEL_RAW;
  CHECK_FAILS(hfy_kernel_train(&k, &how, &result, &r, &work), HFY_ERR_NONFINITE, &work, "left the range");
  CHECK(result == 7);
  k = random_memory(6, 6, 50, 0.1);
  for (c = 0; c < 3; c++) { /* K D step = r */
    for (i = 0; i < 6; i++) a[i] = (c ? c > 1 ? 1400 : 690 : 1) * ((double)i - 2.5) / 2.5, step[i] = 7;
    if (c == 2) {
      CHECK_FAILS(hfy_kernel_information(&k, 2, a, NULL, 0, 0, &f, grad, step, &work), HFY_ERR_NONFINITE, &work, "step");
      CHECK(step[0] == 7);
      continue;
    }
    fine(hfy_kernel_information(&k, 2, a, NULL, 0, 0, &f, grad, step, &work));
    fine(hfy_kernel_gram(&k, gram, &work));
    for (top = 0, i = 0; i < 6; i++) { /* where it is largest, as K step cancels elsewhere */
      const double sign = state_of(bits + i, 2);
      double field = 0, back = 0, e;
      for (j = 0; j < 6; j++) field += gram[i * 6 + j] * a[j], back += gram[i * 6 + j] * step[j];
      e = exp(-fabs(field));
      if (fabs(field) <= top) continue;
      top = fabs(field);
      ratio = back * (e / ((1 + e) * (1 + e))) / (0.01 * a[i] - sign / (1 + exp(sign * field)));
    }
    CHECK_NEAR(ratio, 1, 1e-9);
  }
  for (l = 12; l < 17; l++) { /* rounding rules here: no gap of 0 is claimed far from the optimum */
    k = random_memory(l, 9, 7, 2);
    k.no_self = 1, how.trainer = HFY_KERNEL_EXACT, how.lambda = 2.8e-9;
    if (hfy_kernel_train(&k, &how, other, &r, &work) == HFY_ERR_CONVERGENCE)
      CHECK(r.gap > 0 || r.residual < 1);
  }
}

/* NaN and infinity in alpha, and what sums beyond double: never HFY_OK, nothing written. */
TEST(wild_alpha) {
  enum { P = 64, N = 70, MOST = 300 };
  double zero = 0, wild[] = {0, 0, 0, 1e308}, point[N] = {0}, result[2] = {7, 7}, rec[2] = {7, 7};
  static const size_t one[] = {1};
  hfy_rng rng = hfy_rng_seed(77);
  hfy_kernel k = random_memory(77, P, N, 0.08);
  hfy_kernel_census census;
  hfy_kernel_geometry g;
  size_t i, c, n, turn;
  wild[0] = zero / zero, wild[1] = HUGE_VAL, wild[2] = -HUGE_VAL;
  fine(hfy_kernel_random(MOST, N, &rng, cues, &work));
  memset(&census, 0, sizeof census);
  for (c = 0; c < 4; c++)
    for (turn = 0; turn < 5; turn++) {
      for (i = 0; i < P * N; i++) single[i] = (float)(alpha[i] = c == 3 ? wild[3] : 1);
      if (c < 3) single[21 * N + 3] = (float)(alpha[21 * N + 3] = wild[c]);
      if (c == 3) for (i = 0; i < P * N; i++) single[i] = FLT_MAX;
      k.alpha = turn == 1 ? NULL : alpha, k.alpha_float = single;
      k.nearest = turn == 2 ? 3 : 0, k.order = turn == 3 ? HFY_BINARY_FIXED : HFY_BINARY_SYNCHRONOUS;
      k.kind = turn == 4 ? HFY_KERNEL_LINEAR : HFY_KERNEL_RBF;
      for (n = 1; n <= MOST; n += MOST - 1) {
        ends[0] = 5;
        CHECK_FAILS(hfy_kernel_recall(&k, cues, n, ends, NULL, &work), HFY_ERR_NONFINITE, &work, "alpha");
        CHECK(ends[0] == 5);
      }
      CHECK_FAILS(hfy_kernel_basins(&k, 9, one, 1, &rng, result, rec, &work), HFY_ERR_NONFINITE, &work, "alpha");
      CHECK_FAILS(hfy_kernel_explore(&k, 9, &rng, &census, &work), HFY_ERR_NONFINITE, &work, "alpha");
      CHECK(result[0] == 7 && rec[0] == 7 && census.steps == 0);
      if (turn == 1 || c == 3) continue;
      CHECK_FAILS(hfy_kernel_potentials(&k, cues, 1, result, NULL, &work), HFY_ERR_NONFINITE, &work, "alpha");
      CHECK_FAILS(hfy_kernel_stored(&k, result, rec, &work), HFY_ERR_NONFINITE, &work, "alpha");
      CHECK_FAILS(hfy_kernel_forces(&k, point, 1, NULL, NULL, &g, &work), HFY_ERR_NONFINITE, &work, "alpha");
      CHECK(result[0] == 7 && rec[0] == 7);
    }
  for (i = 0; i < P * N; i++) alpha[i] = 1;
  for (i = 0; i < N; i++) point[i] = 1e308;
  k.alpha = alpha, k.kind = HFY_KERNEL_LINEAR, k.order = HFY_BINARY_SYNCHRONOUS, k.nearest = 0;
  CHECK_FAILS(hfy_kernel_forces(&k, point, 1, h, NULL, NULL, &work), HFY_ERR_NONFINITE, &work, "beyond double");
  for (i = 0; i < P * N; i++) alpha[i] = 1e308; /* finite, but their sums are not */
  k.gamma = 1;
  CHECK_FAILS(hfy_kernel_stored(&k, result, rec, &work), HFY_ERR_NONFINITE, &work, "beyond double");
  CHECK(result[0] == 7 && rec[0] == 7);
}

/* Whole numbers: h = 0 is 0 on every instruction set and in every way, and keeps the bit. */
TEST(ties_of_whole_numbers) {
  enum { P = 33, N = 60, MOST = 300 };
  static const hfy_isa isas[] = {HFY_ISA_SCALAR, HFY_ISA_SSE2, HFY_ISA_AVX2, HFY_ISA_AVX512, HFY_ISA_NEON};
  hfy_rng rng = hfy_rng_seed(5);
  hfy_kernel k = random_memory(5, P, N, 1);
  size_t i, j, m, c, ties = 0;
  int kind;
  for (i = 0; i < P * N; i++) alpha[i] = (double)(hfy_rng_u64(&rng) % 3) - 1;
  fine(hfy_kernel_random(MOST, N, &rng, cues, &work));
  k.max_steps = 1, k.degree = 2;
  for (kind = HFY_KERNEL_POLYNOMIAL; kind <= HFY_KERNEL_LINEAR; kind++)
    for (c = 0; c < sizeof isas / sizeof *isas; c++) {
      k.kind = (hfy_kernel_kind)kind;
      work.isa = isas[c];
      if (hfy_kernel_recall(&k, cues, MOST, ends, NULL, &work) == HFY_ERR_UNSUPPORTED) continue;
      for (i = 0; i < MOST; i++)
        for (j = 0; j < N; j++) {
          long sum = 0;
          for (m = 0; m < P; m++) {
            const long dot = N - 2 * (long)distance(cues + i, bits + m, N);
            sum += (kind == HFY_KERNEL_LINEAR ? dot : dot * dot) * (long)alpha[m * N + j];
          }
          ties += !sum;
          CHECK(state_of(ends + i, j) == (sum ? sum > 0 ? 1 : -1 : state_of(cues + i, j)));
        }
    }
  work.isa = HFY_ISA_BEST;
  CHECK(ties > 100);
}

/* What a caller hands over: a Gram matrix of something else, a state of another memory. */
TEST(foreign_things) {
  enum { P = 40, N = 30 };
  static double state[2 * P * N + 8], hold;
  hfy_kernel k = random_memory(8, P, N, 0.05);
  hfy_kernel_training how;
  hfy_kernel_spectrum s;
  hfy_kernel_path path;
  hfy_kernel_fisher f;
  size_t i, at[] = {3 * P + 17, 17 * P + 3, 5 * P + 5, 39};
  int trainer;
  memset(&how, 0, sizeof how), memset(&path, 0, sizeof path);
  for (i = 0; i < P * N; i++) alpha[i] = 1;
  fine(hfy_kernel_gram(&k, gram, &work));
  how.gram = gram, how.trainer = HFY_KERNEL_RAW;
  for (i = 0; i < 4; i++) {
    const char *part = i < 2 ? "gram is not symmetric: gram[17][3]" : "gram is not of these patterns";
    hold = gram[at[i]], gram[at[i]] += 1e-6;
    CHECK_FAILS(hfy_kernel_train(&k, &how, other, NULL, &work), HFY_ERR_ARG, &work, part);
    CHECK_FAILS(hfy_kernel_spectra(&k, gram, &s, NULL, NULL, NULL, NULL, &work), HFY_ERR_ARG, &work, part);
    CHECK_FAILS(hfy_kernel_follow(&k, 0, gram, 0, 0, 2, 0, 0, &path, &work), HFY_ERR_ARG, &work, part);
    CHECK_FAILS(hfy_kernel_information(&k, 0, alpha, gram, 0, 0, &f, NULL, NULL, &work), HFY_ERR_ARG, &work, part);
    gram[at[i]] = hold;
  }
  fine(hfy_kernel_train(&k, &how, other, NULL, &work));
  k.gamma = 0.06;
  CHECK_FAILS(hfy_kernel_train(&k, &how, other, NULL, &work), HFY_ERR_ARG, &work, "gram is not of these patterns");
  how.gram = NULL;
  for (trainer = HFY_KERNEL_EXACT; trainer <= HFY_KERNEL_PAPER; trainer++) {
    memset(&how, 0, sizeof how);
    how.trainer = (hfy_kernel_trainer)trainer, how.state = state, how.max_iterations = 2;
    k.kind = HFY_KERNEL_RBF, k.gamma = 0.05;
    (void)hfy_kernel_train(&k, &how, other, NULL, &work);
    how.resume = 1;
    bits[7] ^= 8; /* one bit of one pattern */
    CHECK_FAILS(hfy_kernel_train(&k, &how, other, NULL, &work), HFY_ERR_ARG, &work, "state was not left by this");
    bits[7] ^= 8, k.kind = HFY_KERNEL_LINEAR;
    CHECK_FAILS(hfy_kernel_train(&k, &how, other, NULL, &work), HFY_ERR_ARG, &work, "state was not left by this");
    k.kind = HFY_KERNEL_POLYNOMIAL, k.gamma = 0, how.resume = 0, k.degree = 2;
    (void)hfy_kernel_train(&k, &how, other, NULL, &work);
    k.degree = 3, how.resume = 1;
    CHECK_FAILS(hfy_kernel_train(&k, &how, other, NULL, &work), HFY_ERR_ARG, &work, "state was not left by this");
    k.degree = 2, k.offset = 1;
    CHECK_FAILS(hfy_kernel_train(&k, &how, other, NULL, &work), HFY_ERR_ARG, &work, "state was not left by this");
    k.offset = 0, k.kind = HFY_KERNEL_RBF;
  }
}

/* Shares are counts over n; a lambda of 0 is 0.01 everywhere; what a path cannot hold is no HFY_OK. */
TEST(small_things) {
  enum { P = 30, N = 40 };
  hfy_kernel k = random_memory(1, P, N, 0.02);
  hfy_rng rng = hfy_rng_seed(2);
  hfy_kernel_census c;
  hfy_kernel_fisher f[2];
  hfy_kernel_path path;
  hfy_kernel_training how;
  double share[6], sum;
  size_t n, i;
  memset(&how, 0, sizeof how), memset(&path, 0, sizeof path);
  for (i = 0; i < P * N; i++) alpha[i] = state_of(bits + i / N, i % N);
  for (n = 100; n <= 1000; n += 100) {
    fine(hfy_kernel_explore(&k, n, &rng, &c, &work));
    share[0] = c.stored, share[1] = c.opposite, share[2] = c.spurious, share[3] = c.cycles, share[4] = c.unsettled;
    share[5] = c.fixed;
    for (sum = 0, i = 0; i < 6; i++) {
      const double count = floor(share[i] * (double)n + 0.5);
      CHECK(share[i] == count / (double)n);
      sum += i < 5 ? count : 0;
    }
    CHECK(sum == (double)n && fabs(c.steps * (double)n - floor(c.steps * (double)n + 0.5)) < 1e-9);
  }
  fine(hfy_kernel_information(&k, 2, alpha, NULL, 0, 0, f, NULL, NULL, &work));
  fine(hfy_kernel_information(&k, 2, alpha, NULL, 0.01, 0, f + 1, NULL, NULL, &work));
  CHECK(f[0].loss == f[1].loss && f[0].sharpness == f[1].sharpness);
  k.gamma = 0.001;
  for (n = 10; n <= 60; n++) {
    hfy_status status = hfy_kernel_follow(&k, 0, NULL, 1e4, 0, n, (int)(n % 2), 0, &path, &work);
    CHECK(status == HFY_ERR_NONFINITE || (status == HFY_OK && path.path <= DBL_MAX && path.length <= DBL_MAX &&
                                          path.sum_principal <= DBL_MAX && path.sum_tail <= DBL_MAX));
  }
}

/* --- neurons that do not see their own bit --- */

static double seen_kernel(const hfy_kernel *k, const uint64_t *a, const uint64_t *b, size_t neuron) {
  const double d = (double)distance(a, b, k->dim) - (state_of(a, neuron) * state_of(b, neuron) < 0);
  if (k->kind == HFY_KERNEL_RBF) return exp(-k->gamma * 4 * d);
  return k->gamma * ((double)k->dim - 1 - 2 * d);
}

/* K as this neuron has it. */
static double its_kernel(const hfy_kernel *k, const uint64_t *a, const uint64_t *b, size_t neuron) {
  return k->no_self ? seen_kernel(k, a, b, neuron) : slow_kernel(k, a, b);
}

/* h of one neuron, and in *size what its rounding goes by. */
static double seen_field(const hfy_kernel *k, const uint64_t *state, size_t neuron, double *size) {
  const size_t words = hfy_kernel_words(k->dim);
  double sum = 0;
  size_t m;
  for (*size = 0, m = 0; m < k->count; m++) {
    const double part = seen_kernel(k, state, bits + m * words, neuron) * alpha[m * k->dim + neuron];
    sum += part, *size += fabs(part);
  }
  return sum;
}

TEST(no_self_recall) {
  enum { P = 40, MOST = 300 };
  static const size_t dims[] = {1, 63, 70, 130};
  hfy_rng rng = hfy_rng_seed(3);
  size_t c, i, j, l, way;
  for (c = 0; c < 8; c++) {
    if (!MINE(c + c / 4)) continue;
    const size_t N = dims[c % 4], words = hfy_kernel_words(N), n = 20;
    hfy_kernel k = random_memory(c, P, N, c < 4 ? 0.04 : 1);
    double shift[20], size, bound[130];
    k.no_self = 1, k.max_steps = 1;
    if (c > 3) k.kind = HFY_KERNEL_LINEAR;
    for (i = 0; i < P * N; i++) single[i] = (float)(bytes[i] = (signed char)(hfy_rng_u64(&rng) % 255) - 127);
    for (i = 0; i < P * N; i++) alpha[i] = bytes[i];
    fine(hfy_kernel_random(MOST, N, &rng, cues, &work));
    for (i = 0; i < MOST; i += 2)
      fine(hfy_kernel_flip(bits + i / 2 % P * words, 1, N, N / 9, &rng, cues + i * words, &work));
    fine(hfy_kernel_potentials(&k, cues, n, h, shift, &work));
    for (i = 0; i < n; i++)
      for (j = 0; j < N; j++) {
        const double want = seen_field(&k, cues + i * words, j, &size);
        CHECK(fabs(h[i * N + j] * exp(shift[i]) - want) <= 1e-12 * size);
      }
    for (j = 0; j < N; j += 7) { /* its own bit is nothing to it */
      double before = h[j] * exp(shift[0]);
      cues[j / 64] ^= UINT64_C(1) << (j % 64);
      fine(hfy_kernel_potentials(&k, cues, 1, other, shift + 1, &work));
      (void)seen_field(&k, cues, j, &size);
      CHECK(fabs(other[j] * exp(shift[1]) - before) <= 1e-12 * size);
      cues[j / 64] ^= UINT64_C(1) << (j % 64);
    }
    for (way = 0; way < 5; way++) { /* double, float, bytes, bounds, the 300 that are skipped for */
      k.alpha = way == 1 || way == 2 ? NULL : alpha, k.alpha_float = way == 2 ? NULL : single, k.alpha_bytes = bytes;
      if (way == 3) fine(hfy_kernel_bound(&k, bound, &work));
      k.bound = way == 3 ? bound : NULL;
      fine(hfy_kernel_recall(&k, cues, way == 4 ? MOST : n, ends, NULL, &work));
      for (i = 0; i < (way == 4 ? MOST : n); i++)
        for (j = 0; j < N; j++) {
          const double want = seen_field(&k, cues + i * words, j, &size);
          if (fabs(want) > 1e-6 * size || c > 3)
            CHECK(state_of(ends + i * words, j) * want > 0 ||
                  (want == 0 && state_of(ends + i * words, j) == state_of(cues + i * words, j)));
        }
    }
    k.alpha = alpha, k.bound = NULL, k.order = HFY_BINARY_FIXED;
    fine(hfy_kernel_recall(&k, cues, n, ends, NULL, &work)); /* one sweep, bit after bit */
    for (i = 0; i < n; i++) {
      uint64_t state[WORDS];
      memcpy(state, cues + i * words, words * sizeof *state);
      for (j = 0; j < N; j++) {
        const double want = seen_field(&k, state, j, &size);
        if (fabs(want) > 1e-9 * size && want * state_of(state, j) < 0) state[j / 64] ^= UINT64_C(1) << (j % 64);
      }
      CHECK(!memcmp(state, ends + i * words, words * sizeof *state));
    }
    k.order = HFY_BINARY_SYNCHRONOUS, k.nearest = 3;
    if (c > 3) {
      CHECK_FAILS(hfy_kernel_recall(&k, cues, 1, ends, NULL, &work), HFY_ERR_ARG, &work, "nearest with no_self");
      continue;
    }
    fine(hfy_kernel_potentials(&k, cues, 2, h, NULL, &work));
    for (i = 0; i < 2; i++)
      for (j = 0; j < N; j++) { /* the three nearest by whole distance, lower index first */
        double want = 0;
        for (l = 0; l < P; l++) {
          size_t rank = 0, o, d = distance(cues + i * words, bits + l * words, N);
          for (o = 0; o < P; o++) {
            size_t e = distance(cues + i * words, bits + o * words, N);
            rank += e < d || (e == d && o < l);
          }
          if (rank < 3) want += seen_kernel(&k, cues + i * words, bits + l * words, j) * alpha[l * N + j];
        }
        CHECK_NEAR(h[i * N + j], want, 1e-10);
      }
  }
}

/* A LINEAR K is singular: no natural step, all else. */
static void seen(hfy_status status) { CHECK(status == HFY_OK || status == HFY_ERR_SINGULAR); }

/* Far patterns that differ in a neuron's own bit count e^(4 gamma) more: together they turn what the nearest says. */
TEST(no_self_skipping) {
  enum { P = 64, N = 70 };
  hfy_kernel k = random_memory(1, P, N, 0.5);
  double bound[N], size;
  size_t i, j;
  k.no_self = 1, k.max_steps = 1;
  for (i = 1; i < P; i++) {
    memcpy(bits + 2 * i, bits, 16);
    bits[2 * i] ^= 1 | (UINT64_C(7) << (1 + i % 60)); /* its bit 0 and three others */
  }
  for (i = 0; i < P; i++)
    for (j = 0; j < N; j++) alpha[i * N + j] = j || !i ? 0.1 : -1;
  CHECK(seen_field(&k, bits, 0, &size) < -0.04);
  fine(hfy_kernel_bound(&k, bound, &work));
  for (i = 0; i < 2; i++) {
    k.bound = i ? bound : NULL;
    fine(hfy_kernel_recall(&k, bits, 1, ends, NULL, &work));
    CHECK(state_of(ends, 0) < 0);
  }
}

TEST(no_self_training) {
  enum { N = 20, P = 40 };
  size_t i, j, l, turn;
  for (turn = 0; turn < 3; turn++) {
    hfy_kernel k = random_memory(12, P, N, turn ? 0.004 : 0.05);
    hfy_kernel_training how;
    hfy_kernel_result r, paper;
    hfy_kernel_spectrum s;
    double a[P], y[P], size, loss = 0, most = 0, logits = 0, margin, least = HUGE_VAL;
    static double state[2 * P * N + 8];
    memset(&how, 0, sizeof how);
    if (turn == 2) k.kind = HFY_KERNEL_LINEAR, k.gamma = 0.2;
    k.no_self = 1, how.lambda = turn ? 1e-3 : 0.02, how.tol = 1e-10, how.state = state;
    fine(hfy_kernel_train(&k, &how, alpha, &r, &work));
    if (!CHECK(r.iterations <= 20 && r.residual < 1e-10 && r.gap < 1e-7 * r.loss && r.gap > -1e-9 * r.loss))
      printf("    %zu iterations, residual %g, gap / loss %g\n", r.iterations, r.residual, r.gap / r.loss);
    for (j = 0; j < N; j++) {
      for (i = 0; i < P; i++)
        for (l = 0; l < P; l++) gram[i * P + l] = seen_kernel(&k, bits + i, bits + l, j);
      for (i = 0; i < P; i++) y[i] = state_of(bits + i, j) > 0;
      if (j % 6 == 0) plain_newton(P, gram, y, how.lambda, a);
      for (i = 0; j % 6 == 0 && i < P; i++) CHECK_NEAR(alpha[i * N + j], a[i], 1e-6);
      for (i = 0; i < P; i++) {
        const double f = seen_field(&k, bits + i, j, &size), sign = state_of(bits + i, j);
        loss += log1p(exp(-sign * f)) + how.lambda / 2 * f * alpha[i * N + j];
        most = fmax(most, fabs(1 / (1 + exp(-f)) - y[i] + how.lambda * alpha[i * N + j]));
        logits += f * f;
        least = fmin(least, sign * f);
      }
      if (j == 3) { /* one neuron's geometry: its loss, its gradient by differences, its optimum */
        hfy_kernel_fisher f, up, down;
        double g[P], e = 1e-5;
        for (i = 0; i < P; i++) a[i] = 0.7 * alpha[i * N + j];
        seen(hfy_kernel_information(&k, j, a, NULL, how.lambda, 0, &f, g, NULL, &work));
        for (i = 0; i < P; i += 5) {
          a[i] += e;
          seen(hfy_kernel_information(&k, j, a, NULL, how.lambda, 0, &up, NULL, NULL, &work));
          a[i] -= 2 * e;
          seen(hfy_kernel_information(&k, j, a, NULL, how.lambda, 0, &down, NULL, NULL, &work));
          a[i] += e;
          CHECK_NEAR((up.loss - down.loss) / (2 * e), g[i], 1e-6);
        }
        for (i = 0; i < P; i++) a[i] = alpha[i * N + j];
        seen(hfy_kernel_information(&k, j, a, NULL, how.lambda, 0, &f, NULL, NULL, &work));
        CHECK(f.euclidean < 1e-14);
      }
    }
    relative(r.loss, loss, 1e-11, "loss");
    CHECK(most < 1.1e-10);
    fine(hfy_kernel_spectra(&k, NULL, &s, NULL, NULL, NULL, NULL, &work));
    relative(s.logits_1 * s.logits_1 * s.logits_rank, logits, 1e-9, "|h|^2");
    fine(hfy_kernel_stored(&k, NULL, &margin, &work));
    relative(margin, least, 1e-9, "margin");
    how.trainer = HFY_KERNEL_PAPER, how.state = NULL; /* a long way, stably; the gap holds all along */
    how.max_iterations = 300, how.eta = 1 / (r.gram_largest * (r.gram_largest / 4 + 0.02)), how.tol = 0;
    fine(hfy_kernel_train(&k, &how, other, &paper, &work));
    CHECK(paper.loss > r.loss && paper.loss - r.loss <= paper.gap * (1 + 1e-9));
    how.trainer = HFY_KERNEL_RIDGE;
    CHECK_FAILS(hfy_kernel_train(&k, &how, other, NULL, &work), HFY_ERR_UNSUPPORTED, &work, "no_self is for trainers");
    how.trainer = HFY_KERNEL_EXACT, how.state = state, how.resume = 1, k.no_self = 0, how.tol = 1e-10, how.max_iterations = 0;
    CHECK_FAILS(hfy_kernel_train(&k, &how, other, NULL, &work), HFY_ERR_ARG, &work, "state was not left by this");
    k.no_self = 1, k.gamma = 2.1;
    if (turn < 2) CHECK_FAILS(hfy_kernel_stored(&k, NULL, NULL, &work), HFY_ERR_ARG, &work, "gamma is 2.1");
    k.kind = HFY_KERNEL_POLYNOMIAL;
    CHECK_FAILS(hfy_kernel_stored(&k, NULL, NULL, &work), HFY_ERR_UNSUPPORTED, &work, "no_self");
  }
}

TEST(no_self_forces) {
  enum { P = 30, N = 25 };
  hfy_rng rng = hfy_rng_seed(5);
  size_t i, j, c;
  for (c = 0; c < 4; c++) {
    hfy_kernel k = random_memory(5, P, N, 0.05);
    hfy_net net;
    double point[N], fd[N], fi[N], most = 0;
    k.no_self = 1, k.kind = c < 2 ? HFY_KERNEL_RBF : HFY_KERNEL_LINEAR;
    for (i = 0; i < P * N; i++) alpha[i] = hfy_rng_normal(&rng);
    for (j = 0; j < N; j++) point[j] = c % 2 ? state_of(bits + 3, j) : hfy_rng_normal(&rng);
    fine(hfy_kernel_forces(&k, point, 1, fd, fi, NULL, &work));
    for (j = 0; j < N; j++) most = fmax(most, fabs(fd[j] + fi[j]));
    for (j = 0; j < N; j++) {
      double e = 1e-5, hold = point[j], up, down;
      point[j] = hold + e, up = potential(&k, point);
      point[j] = hold - e, down = potential(&k, point);
      point[j] = hold;
      CHECK(fabs((up - down) / (2 * e) - fd[j] - fi[j]) < 1e-7 * most);
    }
    if (c % 2) {
      fine(hfy_kernel_potentials(&k, bits + 3, 1, h, NULL, &work));
      for (j = 0; j < N; j++) CHECK_NEAR(-fd[j], h[j], 1e-11);
    }
    CHECK_FAILS(hfy_kernel_net(&k, keys, values, &net, &work), HFY_ERR_UNSUPPORTED, &work, "no_self");
  }
}

/* --- targets: the next pattern, an answer of another length --- */

TEST(sequences) {
  enum { P = 60, N = 70, ROUND = 2 * P };
  static uint64_t next[P * 2], far[2 * 2];
  static size_t visited[3 * ROUND];
  int blind;
  size_t i, j, steps[3], period[3];
  for (blind = 0; blind < 2; blind++) {
    hfy_kernel k = random_memory(21, P, N, 0.03);
    hfy_kernel_report report;
    hfy_kernel_result r;
    hfy_rng rng = hfy_rng_seed(4);
    double stored, margin, recovered, least = HUGE_VAL;
    static const size_t five[] = {5};
    memset(&report, 0, sizeof report);
    report.visited = visited, report.steps = steps, report.period = period;
    for (i = 0; i < P; i++) memcpy(next + 2 * i, bits + 2 * ((i + 1) % P), 16);
    k.targets = next, k.no_self = blind, k.max_steps = ROUND;
    fine(hfy_kernel_train(&k, NULL, alpha, &r, &work));
    CHECK(r.residual < 1e-8 && r.gap < 1e-7 * r.loss && r.gap > -1e-9 * r.loss);
    fine(hfy_kernel_stored(&k, &stored, &margin, &work));
    CHECK(stored == 1 && margin > 0.5);
    fine(hfy_kernel_potentials(&k, bits, P, h, NULL, &work));
    for (i = 0; i < P * N; i++) least = fmin(least, h[i] * state_of(next + i / N * 2, i % N));
    relative(margin, least, 1e-12, "margin");
    fine(hfy_kernel_basins(&k, P, five, 1, &rng, &recovered, NULL, &work));
    CHECK(recovered > 0.9);
    memcpy(cues, bits + 2 * 7, 16), memcpy(cues + 2, bits + 2 * 50, 16);
    fine(hfy_kernel_random(1, N, &rng, cues + 4, &work)); /* from nowhere */
    fine(hfy_kernel_flip(cues, 1, N, 4, &rng, cues, &work));
    fine(hfy_kernel_recall(&k, cues, 3, ends, &report, &work));
    for (j = 0; j < ROUND; j++) { /* twice around, from a noisy cue and from a whole one */
      CHECK(visited[j] == (8 + j) % P && visited[ROUND + j] == (51 + j) % P);
      CHECK(visited[2 * ROUND + j] < P || visited[2 * ROUND + j] == SIZE_MAX);
    }
    CHECK(steps[0] == ROUND && period[0] == 0 && !memcmp(ends, bits + 2 * 7, 16));
    for (i = 0; i < 2; i++) memcpy(far + 2 * i, bits + 2 * (1 - i), 16);
    k.count = 2, k.targets = far; /* a ring of two is a cycle of two */
    fine(hfy_kernel_train(&k, NULL, alpha, NULL, &work));
    fine(hfy_kernel_recall(&k, bits, 1, ends, &report, &work));
    CHECK(period[0] == 2 && steps[0] == 2 && visited[0] == 1 && visited[1] == 0 && visited[2] == SIZE_MAX);
  }
}

TEST(hetero_association) {
  enum { P = 50 };
  static const size_t dims[][2] = {{70, 130}, {130, 5}, {64, 65}};
  static uint64_t answers[P * 3];
  static double state[2 * P * 130 + 8];
  size_t c, i, j, l, visited[P];
  for (c = 0; c < 3; c++) {
    const size_t N = dims[c][0], M = dims[c][1], words = hfy_kernel_words(N), to = hfy_kernel_words(M);
    hfy_kernel k = random_memory(c, P, N, 0.03);
    hfy_rng rng = hfy_rng_seed(90 + c);
    hfy_kernel_training how;
    hfy_kernel_result r;
    hfy_kernel_report report;
    hfy_kernel_census census;
    hfy_kernel_spectrum s;
    hfy_kernel_fisher f;
    hfy_net net;
    hfy_kernel_geometry g;
    static const size_t four[] = {4};
    double a[P], y[P], bound[130], recovered, stored, loss;
    memset(&how, 0, sizeof how), memset(&report, 0, sizeof report);
    fine(hfy_kernel_random(P, M, &rng, answers, &work));
    k.targets = answers, k.target_dim = M, how.tol = 1e-10, how.state = state, how.lambda = 0.02;
    fine(hfy_kernel_train(&k, &how, alpha, &r, &work));
    CHECK(r.gap < 1e-7 * r.loss && r.residual < 1e-10);
    fine(hfy_kernel_gram(&k, gram, &work));
    for (j = 0; j < M; j += 2 + M / 6) {
      for (i = 0; i < P; i++) y[i] = state_of(answers + i * to, j) > 0;
      plain_newton(P, gram, y, 0.02, a);
      for (i = 0; i < P; i++) CHECK_NEAR(alpha[i * M + j], a[i], 1e-7);
      fine(hfy_kernel_information(&k, j, a, NULL, 0.02, 0, &f, NULL, NULL, &work));
      CHECK(f.euclidean < 1e-14);
      for (loss = 0, i = 0; i < P; i++) {
        double field = 0;
        for (l = 0; l < P; l++) field += gram[i * P + l] * a[l];
        loss += log1p(exp(field * (1 - 2 * y[i]))) + 0.01 * field * a[i];
      }
      relative(f.loss, loss, 1e-10, "loss");
    }
    fine(hfy_kernel_stored(&k, &stored, NULL, &work));
    CHECK(stored == 1);
    fine(hfy_kernel_basins(&k, P, four, 1, &rng, &recovered, NULL, &work));
    CHECK(recovered > 0.9);
    fine(hfy_kernel_spectra(&k, NULL, &s, NULL, NULL, NULL, NULL, &work));
    fine(hfy_kernel_potentials(&k, bits, P, h, NULL, &work));
    for (stored = 0, i = 0; i < P * M; i++) stored += h[i] * h[i];
    relative(s.logits_1 * s.logits_1 * s.logits_rank, stored, 1e-9, "|h|^2");
    report.visited = visited;
    for (l = 0; l < 4; l++) { /* double, bounds, float, bytes */
      if (l == 1) fine(hfy_kernel_bound(&k, bound, &work));
      k.bound = l == 1 ? bound : NULL;
      for (i = 0; i < P * M; i++) single[i] = (float)alpha[i];
      fine(hfy_kernel_quantize(alpha, P * M, bytes, NULL, &work));
      k.alpha = l < 2 ? alpha : NULL, k.alpha_float = l == 2 ? single : NULL, k.alpha_bytes = bytes;
      fine(hfy_kernel_recall(&k, bits, P, ends, &report, &work));
      CHECK(!memcmp(ends, answers, P * to * sizeof *ends));
      for (i = 0; i < P; i++) /* five bits have few answers */
        CHECK(visited[i] <= i && !memcmp(answers + i * to, answers + visited[i] * to, to * sizeof *ends));
    }
    k.alpha = alpha;
    for (i = 0; i < P * M; i++) alpha[i] = 0; /* h = 0: there is no bit to keep */
    fine(hfy_kernel_recall(&k, bits, 1, ends, NULL, &work));
    for (j = 0; j < M; j++) CHECK(state_of(ends, j) > 0);
    CHECK_FAILS(hfy_kernel_explore(&k, 3, &rng, &census, &work), HFY_ERR_ARG, &work, "target_dim");
    CHECK_FAILS(hfy_kernel_net(&k, keys, values, &net, &work), HFY_ERR_ARG, &work, "target_dim");
    CHECK_FAILS(hfy_kernel_forces(&k, h, 1, NULL, NULL, &g, &work), HFY_ERR_ARG, &work, "target_dim");
    CHECK_FAILS(hfy_kernel_information(&k, M, a, NULL, 0, 0, &f, NULL, NULL, &work), HFY_ERR_ARG, &work, "neuron is");
    k.order = HFY_BINARY_FIXED;
    CHECK_FAILS(hfy_kernel_recall(&k, bits, 1, ends, NULL, &work), HFY_ERR_ARG, &work, "order");
    k.order = HFY_BINARY_SYNCHRONOUS, k.no_self = 1;
    CHECK_FAILS(hfy_kernel_train(&k, &how, alpha, &r, &work), HFY_ERR_ARG, &work, "no_self");
    k.no_self = 0, how.resume = 1, answers[to] ^= 2;
    CHECK_FAILS(hfy_kernel_train(&k, &how, alpha, &r, &work), HFY_ERR_ARG, &work, "state was not left by");
    answers[2 * to - 1] |= UINT64_C(1) << 63;
    CHECK_FAILS(hfy_kernel_train(&k, &how, alpha, &r, &work), HFY_ERR_ARG, &work, "targets has a bit set");
    k.targets = NULL;
    CHECK_FAILS(hfy_kernel_train(&k, &how, alpha, &r, &work), HFY_ERR_ARG, &work, "targets NULL");
    CHECK(words > 0);
  }
}

TEST(as_a_net) {
  enum { P = 80 };
  static const double gammas[] = {0.01, 0.02, 0.1, 0.5};
  double v[P];
  size_t g, i, j, m, near = 0, far = 0;
  for (g = 0; g < 5; g++) {
    hfy_kernel k = random_memory(42, P, 100, g < 4 ? gammas[g] : 0);
    hfy_rng rng = hfy_rng_seed(8);
    hfy_net net;
    if (g == 4) k.kind = HFY_KERNEL_LINEAR;
    fine(hfy_kernel_train(&k, NULL, alpha, NULL, &work));
    fine(hfy_kernel_net(&k, keys, values, &net, &work));
    net.max_steps = k.max_steps = 1;
    fine(hfy_kernel_flip(bits, P, 100, 15, &rng, cues, &work));
    fine(hfy_kernel_unpack(cues, P, 100, x, &work));
    fine(hfy_retrieve(&net, x, P, out, NULL, &work));
    fine(hfy_kernel_recall(&k, cues, P, ends, NULL, &work));
    for (i = 0; i < P; i++) {
      for (m = 0; m < P; m++) {
        double d = (double)distance(cues + 2 * i, bits + 2 * m, 100);
        v[m] = g < 4 ? exp(-4 * gammas[g] * d) : 1 - 2 * d / 100;
      }
      for (j = 0; j < 100; j++) {
        double sum = 0, size = 0, bound;
        for (m = 0; m < P; m++)
          sum += v[m] * alpha[m * 100 + j], size += fabs(v[m] * alpha[m * 100 + j]);
        bound = REAL_EPS * (P + 16 + 8 * (g < 4 ? gammas[g] : 0.01) * 100) * size;
        if (fabs(sum) <= bound) {
          near++;
          continue;
        }
        far++;
        if (!CHECK((double)out[i * 100 + j] == state_of(ends + 2 * i, j)))
          printf("    gamma %g: h %g, bound %g\n", g < 4 ? gammas[g] : 0, sum, bound);
      }
    }
    net.max_steps = k.max_steps = 30;
    fine(hfy_retrieve(&net, x, P, out, NULL, &work));
    fine(hfy_kernel_recall(&k, cues, P, ends, NULL, &work));
    for (i = 0, m = 0; i < P; i++)
      for (j = 0; j < 100; j++) m += (double)out[i * 100 + j] != state_of(ends + 2 * i, j);
    CHECK(sizeof(hfy_real) == 8 ? m == 0 : m <= P / 5);
  }
  CHECK(near < far / 100);
}

/* --- what must not change anything --- */

TEST(symmetries) {
  enum { P = 50, N = 60 };
  hfy_kernel k = random_memory(6, P, N, 0.015);
  hfy_kernel_result first, result;
  hfy_kernel_training how;
  double M, rho, M2, rho2;
  size_t i, j;
  memset(&how, 0, sizeof how);
  how.tol = 1e-12;
  fine(hfy_kernel_train(&k, &how, alpha, &first, &work));
  memcpy(other, alpha, P * N * sizeof *alpha);
  geometry_of(&k, 20, &M, &rho);
  for (i = 0; i < P; i++) bits[i] ^= UINT64_C(1) << 5; /* one neuron's sign */
  fine(hfy_kernel_train(&k, &how, alpha, &result, &work));
  for (i = 0; i < P; i++)
    for (j = 0; j < N; j++) CHECK_NEAR(alpha[i * N + j], (j == 5 ? -1 : 1) * other[i * N + j], 1e-9);
  geometry_of(&k, 20, &M2, &rho2);
  relative(M2, M, 1e-9, "M"), relative(rho2, rho, 1e-9, "rho"), relative(result.loss, first.loss, 1e-12, "loss");
  for (i = 0; i < P; i++) bits[i] ^= UINT64_C(1) << 5;
  memcpy(cues, bits, P * 8);
  for (i = 0; i < P; i++) bits[i] = cues[(i + 7) % P]; /* patterns in another order */
  fine(hfy_kernel_train(&k, &how, alpha, &result, &work));
  for (i = 0; i < P; i++)
    for (j = 0; j < N; j++) CHECK_NEAR(alpha[i * N + j], other[(i + 7) % P * N + j], 1e-9);
}

TEST(forced_instruction_sets) {
  hfy_kernel k = random_memory(9, 70, 90, 0.03);
  hfy_work plain = {0};
  size_t i;
  plain.isa = HFY_ISA_SCALAR;
  fine(hfy_kernel_train(&k, NULL, alpha, NULL, &work));
  CHECK(hfy_kernel_train(&k, NULL, other, NULL, &plain) == HFY_OK);
  for (i = 0; i < 70 * 90; i++) CHECK_NEAR(alpha[i], other[i], 1e-6);
  fine(hfy_kernel_gram(&k, gram, &work));
  CHECK(hfy_kernel_gram(&k, h, &plain) == HFY_OK && !memcmp(gram, h, 70 * 70 * sizeof *h));
  plain.isa = (hfy_isa)77;
  CHECK(hfy_kernel_gram(&k, h, &plain) == HFY_ERR_UNSUPPORTED);
  plain.isa = HFY_ISA_BEST;
  hfy_work_free(&plain);
}

/* --- largest margins --- */

/* What margin memories must meet: xi h >= 1, alpha xi >= 0, alpha (xi h - 1) = 0, each to `tol`; returns 1/2 a.K a. */
static double check_margin(const hfy_kernel *k, double tol) {
  const size_t P = k->count, M = k->target_dim ? k->target_dim : k->dim, to = hfy_kernel_words(M);
  const uint64_t *goal = k->targets ? k->targets : k->patterns;
  double norm = 0, size = 0, worst = 0;
  size_t i, j;
  fine(hfy_kernel_potentials(k, k->patterns, P, h, NULL, &work));
  for (i = 0; i < P * M; i++) size = fabs(k->alpha[i]) > size ? fabs(k->alpha[i]) : size;
  for (i = 0; i < P; i++)
    for (j = 0; j < M; j++) {
      const double s = state_of(goal + i * to, j), q = s * k->alpha[i * M + j], over = s * h[i * M + j] - 1;
      norm += 0.5 * s * h[i * M + j] * q;
      if (-over > worst) worst = -over;
      if (-q / size > worst) worst = -q / size;
      if (fabs(q * over) / size > worst) worst = fabs(q * over) / size;
    }
  if (!CHECK(worst <= tol)) printf("    kernel %d, P %zu: conditions of the optimum off by %g\n", k->kind, P, worst);
  return norm;
}

static double mixed[201]; /* a table: two exponentials */

TEST(largest_margins) {
  /* 1/2 |w|^2 of all neurons, least margin, first coefficient of neuron 0 that is not 0: by scipy's NNLS */
  static const struct {
    int kind;
    double gamma, offset, P;
    int no_self, M;
    double norm, margin, first;
  } rows[] = {{0, 0.05, 0, 30, 0, 0, 253.1473133, 0.1895287883, 0.176568052},
              {0, 0.002, 0, 30, 0, 0, 2396.836149, 0.0623613022, 12.55671754},
              {2, 0.05, 0, 15, 0, 0, 133.065977, 0.2399212446, 1.56047776},
              {1, 0.05, 1, 30, 0, 0, 29.99659471, 0.5471925864, 0.1337259143},
              {0, 0.05, 0, 30, 1, 0, 418.2338617, 0.1422443054, 0.1539647265},
              {2, 0.05, 0, 15, 1, 0, 488.0011777, 0.08696093146, 3.566995488},
              {0, 0.03, 0, 30, 0, 7, 218.113189, 0.1167579497, 2.30364036},
              {3, 0, 0, 30, 0, 0, 301.8021611, 0.17341301, 0.259534982}};
  hfy_kernel_training how;
  hfy_kernel_margins r;
  size_t c, i, seed;
  for (i = 0; i <= 200; i++) mixed[i] = 0.6 * exp(-0.3 * (double)i) + 0.4 * exp(-0.05 * (double)i);
  memset(&how, 0, sizeof how);
  how.tol = 1e-9;
  for (c = 0; c < 8; c++) {
    hfy_kernel k = random_memory(42, (size_t)rows[c].P, 20, rows[c].gamma);
    hfy_rng rng = hfy_rng_seed(43);
    k.kind = (hfy_kernel_kind)rows[c].kind, k.offset = rows[c].offset, k.no_self = rows[c].no_self, k.table = mixed;
    fine(hfy_kernel_random(30, 7, &rng, cues, &work));
    if (rows[c].M) k.targets = cues, k.target_dim = (size_t)rows[c].M;
    fine(hfy_kernel_train_margin(&k, &how, alpha, &r, &work));
    relative(r.norm, rows[c].norm, 1e-7, "norm");
    relative(check_margin(&k, 1e-6), rows[c].norm, 1e-7, "norm of alpha");
    relative(r.margin, rows[c].margin, 1e-7, "margin");
    CHECK(fabs((fabs(alpha[0]) > 1e-4 ? alpha[0] : alpha[k.target_dim ? k.target_dim : 20]) - rows[c].first) < 1e-4);
    CHECK(r.gap <= 1e-8 * r.norm && r.gap >= -1e-12 * r.norm && r.bound >= r.margin * (1 - 1e-12));
    CHECK(r.bound <= r.margin * (1 + 1e-8) && !r.inseparable && r.iterations < 60 && r.products > r.iterations);
    if (!CHECK(r.products < 900)) printf("    %zu products\n", r.products); /* on the active patterns alone: 12 to 584 */
  }
  for (seed = 0; seed < (SLOW ? 6 : 30); seed++) { /* random sizes: the certified gap, the conditions */
    hfy_rng rng = hfy_rng_seed(seed);
    const size_t N = 2 + hfy_rng_u64(&rng) % 90, P = 1 + hfy_rng_u64(&rng) % 60;
    hfy_kernel k = random_memory(seed + 900, P, N, 0.001 * pow(300, hfy_rng_uniform(&rng)));
    k.kind = (hfy_kernel_kind)(seed % 4), k.table = mixed, k.offset = (double)(seed % 3);
    k.no_self = k.kind == HFY_KERNEL_RBF && seed % 8;
    if (k.kind == HFY_KERNEL_LINEAR || N < 12) k.count = 1 + (P - 1) % (N / 2 + 1);
    if (hfy_kernel_train_margin(&k, seed % 2 ? &how : NULL, alpha, &r, &work) == HFY_ERR_INFEASIBLE) {
      CHECK(k.no_self && r.inseparable && r.bound < 1e-6); /* patterns that differ in the unseen bit only */
      continue;
    }
    CHECK(work.message[0] == 0 && r.gap <= (seed % 2 ? 1e-8 : 1e-5) * r.norm && r.gap >= -1e-9 * r.norm);
    relative(check_margin(&k, seed % 2 ? 1e-5 : 1e-3), r.norm, 1e-9, "norm");
  }
}

/* Where lambda falls, the trained memory turns towards it: margins grow to the largest. */
TEST(margins_are_the_limit) {
  enum { P = 40, N = 30 };
  hfy_kernel k = random_memory(3, P, N, 0.01);
  hfy_kernel_training how;
  hfy_kernel_margins r;
  double lambda, last = 0;
  size_t i, j;
  fine(hfy_kernel_train_margin(&k, NULL, other, &r, &work));
  fine(hfy_kernel_gram(&k, gram, &work));
  memset(&how, 0, sizeof how);
  for (lambda = 1e-2; lambda > 1e-9; lambda /= 100) {
    double least = 1e9;
    how.lambda = lambda;
    fine(hfy_kernel_train(&k, &how, alpha, NULL, &work));
    fine(hfy_kernel_potentials(&k, bits, P, h, NULL, &work));
    for (j = 0; j < N; j++) {
      double size = 0, margin = 1e9;
      for (i = 0; i < P; i++) {
        const double s = state_of(bits + i, j) * h[i * N + j];
        size += alpha[i * N + j] * h[i * N + j];
        if (s < margin) margin = s;
      }
      if (margin / sqrt(size) < least) least = margin / sqrt(size);
    }
    CHECK(least > last && least <= r.margin * (1 + 1e-9));
    last = least;
  }
  CHECK(last > 0.95 * r.margin);
}

TEST(no_margin) {
  hfy_kernel k = random_memory(4, 20, 60, 0.05);
  hfy_kernel_training how;
  hfy_kernel_margins r;
  hfy_rng rng = hfy_rng_seed(1);
  size_t i;
  watch seen_before = {0};
  memset(&how, 0, sizeof how);
  memset(&r, 0x7f, sizeof r);
  alpha[0] = 7;
  fine(hfy_kernel_random(20, 60, &rng, cues, &work));
  bits[1] = bits[0], k.targets = cues; /* the same pattern, two answers */
  CHECK_FAILS(hfy_kernel_train_margin(&k, NULL, alpha, &r, &work), HFY_ERR_INFEASIBLE, &work, "no margin above");
  CHECK(alpha[0] == 7 && r.inseparable == distance(cues, cues + 1, 60) && r.bound < 1e-6 && r.margin <= 0);
  k.targets = NULL;
  fine(hfy_kernel_train_margin(&k, NULL, alpha, &r, &work)); /* the same answer: fine */
  relative(check_margin(&k, 1e-3), r.norm, 1e-9, "norm");
  alpha[0] = 7, k.kind = HFY_KERNEL_LINEAR, k.no_self = 1, k.dim = 5; /* 20 patterns of 4 bits that count */
  for (i = 0; i < 20; i++) bits[i] &= 31;
  CHECK_FAILS(hfy_kernel_train_margin(&k, NULL, alpha, &r, &work), HFY_ERR_INFEASIBLE, &work, "no margin above");
  k.dim = 1;
  for (i = 0; i < 20; i++) bits[i] &= 1; /* K_i = 0 */
  CHECK_FAILS(hfy_kernel_train_margin(&k, NULL, alpha, &r, &work), HFY_ERR_INFEASIBLE, &work, "no margin above");
  if (!CHECK(r.inseparable == 1 && r.bound < 1e-6 && alpha[0] == 7)) printf("    bound %g\n", r.bound);
  k = random_memory(4, 20, 60, 0.005);
#define FAILS(part) CHECK_FAILS(hfy_kernel_train_margin(&k, &how, alpha, &r, &work), HFY_ERR_ARG, &work, part)
  alpha[0] = 7;
  how.lambda = 1, FAILS("all else should be 0"), how.lambda = 0;
  how.trainer = HFY_KERNEL_RAW, FAILS("all else should be 0"), how.trainer = HFY_KERNEL_EXACT;
  how.start = other, FAILS("all else should be 0"), how.start = NULL;
  how.tol = -1, FAILS("tol is -1"), how.tol = 0;
  how.gram = other, other[0] = 2, FAILS("gram is not of these patterns"), how.gram = NULL;
#undef FAILS
  CHECK_FAILS(hfy_kernel_train_margin(&k, &how, NULL, &r, &work), HFY_ERR_ARG, &work, "alpha is NULL");
  CHECK_FAILS(hfy_kernel_train_margin(NULL, &how, alpha, &r, &work), HFY_ERR_ARG, &work, "kernel is NULL");
  CHECK(alpha[0] == 7);
  how.max_iterations = 1;
  CHECK_FAILS(hfy_kernel_train_margin(&k, &how, alpha, &r, &work), HFY_ERR_CONVERGENCE, &work, "after 1 iterations");
  CHECK(alpha[0] != 7 && r.iterations == 1 && r.gap > 0);
  how.max_iterations = 0, how.progress = look, how.context = &seen_before;
  CHECK(hfy_kernel_train_margin(&k, &how, alpha, NULL, NULL) == HFY_OK && seen_before.calls > 3);
}

/* --- tables --- */

TEST(tables) {
  enum { P = 40, N = 70 };
  static double table[201];
  hfy_kernel k = random_memory(6, P, N, 0.02), t;
  hfy_kernel_training how;
  hfy_kernel_result r, rt;
  hfy_kernel_spectrum spectrum[2];
  hfy_kernel_fisher f;
  hfy_kernel_geometry geo;
  hfy_net net;
  hfy_rng rng = hfy_rng_seed(2);
  size_t i, j, n, order;
  double least, scale;
  for (i = 0; i <= N; i++) table[i] = exp(-0.02 * 4 * (double)i);
  t = k, t.kind = HFY_KERNEL_TABLE, t.table = table, t.gamma = 0;
  memset(&how, 0, sizeof how);
  fine(hfy_kernel_gram(&k, gram, &work)); /* as the RBF that it is: to the bit */
  fine(hfy_kernel_gram(&t, other, &work));
  CHECK(!memcmp(gram, other, P * P * sizeof *gram));
  fine(hfy_kernel_train(&k, NULL, alpha, &r, &work));
  fine(hfy_kernel_train(&t, NULL, other, &rt, &work));
  CHECK(!memcmp(alpha, other, P * N * sizeof *alpha) && !memcmp(&r, &rt, sizeof r));
  fine(hfy_kernel_flip(bits, P, N, 12, &rng, cues, &work));
  for (order = 0; order < 3; order++) {
    k.order = t.order = (hfy_binary_order)order, k.nearest = t.nearest = order == 1 ? 3 : 0;
    fine(hfy_kernel_recall(&k, cues, P, ends, NULL, &work));
    fine(hfy_kernel_recall(&t, cues, P, cues + 2 * P, NULL, &work));
    CHECK(!memcmp(ends, cues + 2 * P, 2 * P * sizeof *ends));
  }
  fine(hfy_kernel_spectra(&k, NULL, spectrum, NULL, NULL, NULL, NULL, &work));
  fine(hfy_kernel_spectra(&t, NULL, spectrum + 1, NULL, NULL, NULL, NULL, &work));
  CHECK(!memcmp(spectrum, spectrum + 1, sizeof *spectrum));
  /* whether it is accepted, against the eigenvalues of K on all states of few bits */
  for (n = 3; n < (SLOW ? 6 : 8); n++)
    for (i = 0; i < 40; i++) {
      const size_t all = (size_t)1 << n;
      static double whole[128 * 128], values_of[128];
      hfy_status got;
      for (j = 0; j <= n; j++) {
        const double u = hfy_rng_uniform(&rng);
        table[j] = i % 2 ? u - 0.4 : pow(0.2 + u, (double)j);
      }
      table[0] = i % 3 ? 2.5 : 1;
      for (j = 0; j < all * all; j++) {
        const uint64_t x1 = j / all, x2 = j % all;
        whole[j] = table[distance(&x1, &x2, n)];
      }
      fine(hfy_linalg_eigen(whole, all, values_of, NULL, &work));
      least = values_of[all - 1], scale = values_of[0];
      t.dim = n, t.count = 2, t.order = HFY_BINARY_SYNCHRONOUS, t.nearest = 0, bits[0] = 1, bits[1] = 2;
      if (fabs(least) < 1e-9 * fabs(scale)) continue;
      how.trainer = HFY_KERNEL_RAW;
      got = hfy_kernel_train(&t, &how, alpha, NULL, &work);
      if (!CHECK((got == HFY_OK) == (least > 0)))
        printf("    %zu bits, least eigenvalue %g: %s\n", n, least, work.message);
    }
  for (i = 0; i < 5; i++) { /* of many bits: sums of exponentials are; nothing but itself; a step is not */
    static double wide[1001];
    static uint64_t two[2 * 16];
    for (j = 0; j <= 1000; j++)
      wide[j] = i == 2 ? !j : i == 3 ? j < 480 : exp(-(double)j * (i == 0 ? 0.5 : i == 1 ? 1e-4 : 0.01))
                                                         + (i == 4 && j == 500);
    two[0] = 1, two[16] = 2;
    t.dim = 1000, t.table = wide, t.patterns = two;
    h[0] = h[1] = 0;
    CHECK(hfy_kernel_information(&t, 0, h, NULL, 1, 0, &f, NULL, NULL, &work) == (i < 3 ? HFY_OK : HFY_ERR_ARG));
    if (i > 2) CHECK(strstr(work.message, "no positive definite kernel") != NULL);
  }
  t = random_memory(6, P, N, 0), t.kind = HFY_KERNEL_TABLE, t.table = table;
  for (i = 0; i <= N; i++) table[i] = i % 2 ? -0.9 : 0.1;
  CHECK_FAILS(hfy_kernel_spectra(&t, NULL, spectrum, NULL, NULL, NULL, NULL, &work), HFY_ERR_ARG, &work, "order");
  CHECK_FAILS(hfy_kernel_train_margin(&t, NULL, alpha, NULL, &work), HFY_ERR_ARG, &work, "order");
  CHECK(hfy_kernel_recall(&t, cues, P, ends, NULL, &work) == HFY_OK); /* it may be recalled with */
  for (i = 0; i <= N; i++) table[i] = exp(-0.2 * (double)i);
  for (i = 0; i < N; i++) h[i] = 0.5;
  CHECK_FAILS(hfy_kernel_forces(&t, h, 1, NULL, NULL, &geo, &work), HFY_ERR_UNSUPPORTED, &work, "TABLE");
  CHECK_FAILS(hfy_kernel_hessian(&t, h, other, &work), HFY_ERR_UNSUPPORTED, &work, "TABLE");
  CHECK_FAILS(hfy_kernel_net(&t, keys, values, &net, &work), HFY_ERR_UNSUPPORTED, &work, "TABLE");
  t.no_self = 1;
  CHECK_FAILS(hfy_kernel_gram(&t, gram, &work), HFY_ERR_UNSUPPORTED, &work, "TABLE");
  t.no_self = 0, table[N] = 0.0 / (table[0] - table[0]);
  CHECK_FAILS(hfy_kernel_gram(&t, gram, &work), HFY_ERR_ARG, &work, "table holds NaN");
  table[N] = 0, t.table = NULL;
  CHECK_FAILS(hfy_kernel_gram(&t, gram, &work), HFY_ERR_ARG, &work, "table is NULL");
  t.table = table, how.trainer = HFY_KERNEL_EXACT; /* a state of another table is refused */
  how.state = other, how.max_iterations = 1;
  CHECK(hfy_kernel_train(&t, &how, alpha, NULL, &work) == HFY_ERR_CONVERGENCE);
  how.resume = 1, how.max_iterations = 50, table[3] *= 1 + 1e-12;
  CHECK_FAILS(hfy_kernel_train(&t, &how, alpha, NULL, &work), HFY_ERR_ARG, &work, "state was not left");
}

/* --- curvature --- */

TEST(hessian) {
  enum { P = 12, N = 9 };
  size_t c, i, j;
  for (c = 0; c < 18; c++) {
    hfy_kernel k = random_memory(60 + c, P, N, 0.02 + 0.01 * (double)(c % 3));
    hfy_rng rng = hfy_rng_seed(c);
    double point[N], up[2 * N], down[2 * N], hessian[N * N], size = 0;
    const double e = 1e-5;
    k.kind = (hfy_kernel_kind)(c % 3), k.offset = 0.5, k.degree = 1 + (double)(c / 3 % 4);
    k.no_self = c >= 12 && k.kind != HFY_KERNEL_POLYNOMIAL;
    for (i = 0; i < P * N; i++) alpha[i] = hfy_rng_normal(&rng);
    for (i = 0; i < N; i++) point[i] = c % 2 ? hfy_rng_normal(&rng) : state_of(bits, i);
    fine(hfy_kernel_hessian(&k, point, hessian, &work));
    for (i = 0; i < N * N; i++) size = fabs(hessian[i]) > size ? fabs(hessian[i]) : size;
    for (j = 0; j < N; j++) { /* differences of the forces */
      const double hold = point[j];
      point[j] = hold + e;
      fine(hfy_kernel_forces(&k, point, 1, up, up + N, NULL, &work));
      point[j] = hold - e;
      fine(hfy_kernel_forces(&k, point, 1, down, down + N, NULL, &work));
      point[j] = hold;
      for (i = 0; i < N; i++)
        CHECK_NEAR((up[i] + up[N + i] - down[i] - down[N + i]) / (2 * e), hessian[i * N + j], 1e-7 * (1 + size));
    }
    for (i = 0; i < N; i++)
      for (j = 0; j < i; j++) CHECK(hessian[i * N + j] == hessian[j * N + i]);
    point[2] = HUGE_VAL, hessian[0] = 7;
    CHECK_FAILS(hfy_kernel_hessian(&k, point, hessian, &work), HFY_ERR_NONFINITE, &work, "x holds NaN");
    point[2] = 0, alpha[5] = 1e308, alpha[6] = -1e308, k.gamma = 0.2;
    if (k.kind == HFY_KERNEL_POLYNOMIAL && k.degree > 2)
      CHECK_FAILS(hfy_kernel_hessian(&k, point, hessian, &work), HFY_ERR_NONFINITE, &work, "beyond double");
    alpha[5] = HUGE_VAL;
    CHECK_FAILS(hfy_kernel_hessian(&k, point, hessian, &work), HFY_ERR_NONFINITE, &work, "alpha[5]");
    CHECK_FAILS(hfy_kernel_hessian(&k, NULL, hessian, &work), HFY_ERR_ARG, &work, "x is NULL");
    k.targets = cues, k.target_dim = 4, memset(cues, 0, sizeof *cues * P);
    CHECK_FAILS(hfy_kernel_hessian(&k, point, hessian, &work), HFY_ERR_ARG, &work, "target_dim is 4");
    CHECK(hessian[0] == 7);
  }
}

/* An entry so large that the others are lost beside it is not one that its own neuron sees. */
TEST(far_from_the_patterns_without_self) {
  const uint64_t two[2] = {3, 6};
  const double a[6] = {1, -2, 0.5, 0.25, 1, -1}, sizes[3] = {1e3, 1e9, 1e200};
  size_t c, m;
  for (c = 0; c < 3; c++) {
    const double point[3] = {sizes[c], 0.5, -1};
    double direct[3], hessian[9], field = 0, slope = 0, bend = 0;
    hfy_kernel k;
    memset(&k, 0, sizeof k);
    k.dim = 3, k.count = 2, k.patterns = two, k.gamma = 0.2, k.alpha = a, k.no_self = 1;
    for (m = 0; m < 2; m++) { /* neuron 0 sees bits 1 and 2 */
      const double d1 = point[1] - 1, d2 = point[2] - (m ? 1 : -1), part = a[3 * m] * exp(-0.2 * (d1 * d1 + d2 * d2));
      field += part, slope -= 0.4 * d1 * part, bend += 0.16 * d1 * d2 * part;
    }
    fine(hfy_kernel_forces(&k, point, 1, direct, NULL, NULL, &work));
    CHECK_NEAR(direct[0], -field, 1e-12);
    CHECK(fabs(direct[1]) <= 0 && fabs(direct[2]) <= 0);
    fine(hfy_kernel_hessian(&k, point, hessian, &work));
    CHECK_NEAR(hessian[1], -slope, 1e-12);
    CHECK_NEAR(hessian[5] / sizes[c], -bend, 1e-12);
    CHECK(fabs(hessian[0]) <= 0);
  }
}

TEST(curvatures) {
  enum { P = 30, N = 25 };
  size_t c, i, j, l;
  for (c = 0; c < 6; c++) {
    hfy_kernel k = random_memory(70 + c, P, N, c % 2 ? 0.02 : 0.005);
    hfy_rng rng = hfy_rng_seed(c);
    hfy_kernel_curvature got;
    hfy_kernel_fisher f;
    double a[P], m[P * P], values_of[2][P], want[P], trace = 0;
    k.no_self = c == 3, k.kind = c == 4 ? HFY_KERNEL_LINEAR : HFY_KERNEL_RBF;
    for (i = 0; i < P; i++) a[i] = hfy_rng_normal(&rng) * (double)c;
    fine(hfy_kernel_curvatures(&k, 3, a, NULL, 0.05, &got, values_of[0], values_of[1], &work));
    hfy_kernel_information(&k, 3, a, NULL, 0.05, 0, &f, NULL, NULL, NULL); /* LINEAR: K is singular; all else is there */
    relative(got.hessian_1, f.sharpness, 1e-9, "sharpness");
    for (i = 0; i < P; i++)
      for (j = 0; j < P; j++) gram[i * P + j] = its_kernel(&k, bits + i, bits + j, 3);
    for (l = 0; l < 2; l++) {
      double sum = 0;
      for (i = 0; i < P * P; i++) m[i] = l ? 0.05 * gram[i] : 0;
      for (i = 0; i < P; i++) {
        double field = 0;
        size_t r, s;
        for (j = 0; j < P; j++) field += gram[i * P + j] * a[j];
        for (r = 0; r < P; r++)
          for (s = 0; s < P; s++) m[r * P + s] += gram[r * P + i] * gram[i * P + s] / (2 + exp(field) + exp(-field));
      }
      fine(hfy_linalg_eigen(m, P, want, NULL, &work));
      for (i = 0; i < P; i++) CHECK_NEAR(values_of[l][i], want[i], 1e-12 * want[0]), sum += want[i];
      relative(l ? got.hessian_1 : got.fisher_1, want[0], 1e-12, "largest");
      relative(l ? got.hessian_2 : got.fisher_2, want[1], 1e-12, "second");
      relative(l ? got.hessian_trace : got.fisher_trace, sum, 1e-12, "trace");
      trace += sum;
    }
    CHECK(trace > 0);
    CHECK_FAILS(hfy_kernel_curvatures(&k, N, a, NULL, 0, &got, NULL, NULL, &work), HFY_ERR_ARG, &work, "neuron is 25");
    CHECK_FAILS(hfy_kernel_curvatures(&k, 0, a, NULL, 0, NULL, NULL, NULL, &work), HFY_ERR_ARG, &work, "curvature is");
    a[2] = HUGE_VAL;
    CHECK_FAILS(hfy_kernel_curvatures(&k, 0, a, NULL, 0, &got, NULL, NULL, &work), HFY_ERR_NONFINITE, &work, "a holds");
  }
}

/* Ways other than the papers' descent, several neurons, projections and divergences, against plain sums. */
TEST(other_ways) {
  enum { P = 24, N = 20, STEPS = 12, MANY = 3 };
  static double at[MANY][STEPS + 1][P], rows[5][STEPS + 1], along[2][(STEPS + 1) * 2], mean[9][STEPS + 1];
  static hfy_kernel_fisher fisher[STEPS + 1];
  int way, blind;
  size_t n, t, i, j, l;
  for (way = 0; way < 3; way++)
    for (blind = 0; blind < 2; blind++) {
      hfy_kernel k = random_memory(80, P, N, 0.02);
      hfy_kernel_training how;
      hfy_kernel_path path, one;
      double divergence = 0, length = 0, eta = way == 1 ? 0.3 : 0.02;
      k.no_self = blind;
      memset(&how, 0, sizeof how);
      memset(mean, 0, sizeof mean);
      memset(&path, 0, sizeof path);
      path.principal = rows[0], path.tail = rows[1], path.progress = rows[2], path.deviation = rows[3];
      path.divergence = rows[4], path.leading = along[0], path.trailing = along[1], path.fisher = fisher;
      path.way = (hfy_kernel_way)way, path.neurons = MANY, path.directions = 2;
      fine(hfy_kernel_follow(&k, 4, NULL, eta, 0.05, STEPS, 0, 1e-3, &path, &work));
      CHECK(way == 2 ? path.made > 2 && path.made < STEPS : path.made == STEPS);
      how.lambda = 0.05, how.tol = 1e-10;
      fine(hfy_kernel_train(&k, &how, alpha, NULL, &work));
      for (n = 0; n < MANY; n++) {
        double K[P * P], m[P * P], vectors[P * P], values_of[P], a[P], sum = 0;
        for (i = 0; i < P; i++)
          for (j = 0; j < P; j++) K[i * P + j] = its_kernel(&k, bits + i, bits + j, 4 + n);
        /* the way by `follow` of one neuron alone, and by plain steps */
        memset(&one, 0, sizeof one);
        one.way = path.way, one.progress = mean[5], one.deviation = mean[6], one.divergence = mean[7];
        fine(hfy_kernel_follow(&k, 4 + n, NULL, eta, 0.05, STEPS, 0, 1e-3, &one, &work));
        for (t = 0; t <= STEPS; t++) mean[0][t] += one.progress[t] / MANY, mean[1][t] += one.deviation[t] / MANY;
        for (t = 0; t < STEPS; t++) mean[2][t] += one.divergence[t] / MANY;
        length += one.length / MANY;
        for (i = 0; i < P; i++) a[i] = 0;
        for (t = 0; t <= STEPS; t++) {
          hfy_kernel_fisher f;
          double g[P];
          memcpy(at[n][t], a, sizeof a);
          fine(hfy_kernel_information(&k, 4 + n, a, NULL, 0.05, 1e-3, &f, g, NULL, &work));
          mean[3][t] += f.loss / MANY, mean[4][t] += f.log10_natural / MANY, mean[8][t] += f.damped_natural / MANY;
          if (way == 0) for (i = 0; i < P; i++) a[i] -= eta * g[i];
          if (way == 1) { /* (G + damping)^-1 g by its inverse */
            double s[P * P];
            for (i = 0; i < P * P; i++) m[i] = i % (P + 1) ? 0 : 1e-3;
            for (l = 0; l < P; l++) {
              double field = 0;
              for (j = 0; j < P; j++) field += K[l * P + j] * a[j];
              for (i = 0; i < P * P; i++) m[i] += K[i / P * P + l] * K[l * P + i % P] / (2 + exp(field) + exp(-field));
            }
            fine(hfy_linalg_pinv(m, P, P, 0, s, NULL, &work));
            for (i = 0; i < P; i++)
              for (j = 0; j < P; j++) a[i] -= eta * s[i * P + j] * g[j];
          }
          if (way == 2) for (i = 0; i < P; i++) a[i] = alpha[i * N + 4 + n]; /* the end alone is known */
        }
        for (i = 0; i < P * P; i++) m[i] = 0;
        for (l = 0; l < P; l++) {
          double field = 0;
          for (j = 0; j < P; j++) field += K[l * P + j] * at[n][STEPS][j];
          for (i = 0; i < P * P; i++) m[i] += K[i / P * P + l] * K[l * P + i % P] / (2 + exp(field) + exp(-field));
        }
        fine(hfy_linalg_eigen(m, P, values_of, vectors, &work));
        for (sum = 0, i = 0; i < P; i++) sum += at[n][STEPS][i] * at[n][STEPS][i];
        relative(one.length, sqrt(sum), 1e-7, "length");
        for (t = way == 2 ? STEPS : 0; t <= STEPS; t++) /* projections */
          for (i = 0; i < 4; i++) {
            const double *v = vectors + (i < 2 ? i : P + 1 - i) * P;
            double along_v = 0, end = 0;
            for (j = 0; j < P; j++) along_v += v[j] * at[n][t][j], end += v[j] * at[n][STEPS][j];
            along[i / 2][t * 2 + i % 2] -= (end < 0 ? -along_v : along_v) / sqrt(sum) / MANY;
          }
        for (t = 0; way < 2 && t < STEPS; t++) { /* divergences */
          for (i = 0; i < P; i++) {
            double u = 0, v = 0, p, q;
            for (j = 0; j < P; j++) u += K[i * P + j] * at[n][t + 1][j], v += K[i * P + j] * at[n][t][j];
            p = 1 / (1 + exp(-u)), q = 1 / (1 + exp(-v));
            rows[4][t] -= (p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))) / MANY;
          }
        }
        divergence += one.sum_divergence / MANY;
      }
      for (t = 0; t <= STEPS; t++) {
        CHECK_NEAR(rows[2][t], mean[0][t], 1e-12), CHECK_NEAR(rows[3][t], mean[1][t], 1e-12);
        if (t == STEPS || way < 2) CHECK_NEAR(fisher[t].loss, mean[3][t], 1e-7 * mean[3][t]);
        if (way < 2) CHECK_NEAR(fisher[t].log10_natural, mean[4][t], 1e-6);
        if (way < 2) relative(fisher[t].damped_natural, mean[8][t], 1e-5, "damped");
        for (i = 0; i < 4; i++)
          if (!CHECK(t < STEPS && way == 2 ? 1 : fabs(along[i / 2][t * 2 + i % 2]) < 1e-6))
            printf("    way %d step %zu: direction %zu off by %g\n", way, t, i, along[i / 2][t * 2 + i % 2]);
        if (t < STEPS && way < 2) CHECK_NEAR(rows[4][t], 0, 1e-10);
      }
      relative(path.sum_divergence, divergence, 1e-12, "divergence");
      relative(path.length, length, 1e-12, "length");
      CHECK(path.progress[0] == 0 && fabs(path.progress[STEPS] - 1) < 1e-12 && path.sum_tail > 0);
    }
  { /* next to the end a step's divergence is its information gain */
    hfy_kernel k = random_memory(81, P, N, 0.1);
    hfy_kernel_path path;
    memset(&path, 0, sizeof path);
    path.way = HFY_KERNEL_NATURAL, path.principal = rows[0], path.tail = rows[1], path.divergence = rows[4];
    fine(hfy_kernel_follow(&k, 0, NULL, 0.001, 1, 2, 0, 0, &path, &work));
    relative(rows[4][1], rows[0][1] + rows[1][1], 1e-2, "gain");
    path.way = (hfy_kernel_way)3;
    CHECK_FAILS(hfy_kernel_follow(&k, 0, NULL, 0, 0, 2, 0, 0, &path, &work), HFY_ERR_ARG, &work, "path->way is 3");
    path.way = HFY_KERNEL_DESCENT, path.neurons = N + 1;
    CHECK_FAILS(hfy_kernel_follow(&k, 0, NULL, 0, 0, 2, 0, 0, &path, &work), HFY_ERR_ARG, &work, "path->neurons is 21");
    path.neurons = SIZE_MAX;
    CHECK_FAILS(hfy_kernel_follow(&k, 2, NULL, 0, 0, 2, 0, 0, &path, &work), HFY_ERR_ARG, &work, "path->neurons");
    path.neurons = 0, path.directions = P + 1;
    CHECK_FAILS(hfy_kernel_follow(&k, 0, NULL, 0, 0, 2, 0, 0, &path, &work), HFY_ERR_ARG, &work, "path->directions");
    path.directions = 0, rows[0][0] = 7, path.neurons = 2; /* runs away: nothing is written */
    CHECK_FAILS(hfy_kernel_follow(&k, 0, NULL, 1e200, 1e10, 9, 0, 0, &path, &work), HFY_ERR_NONFINITE, &work, "range");
    CHECK(rows[0][0] == 7);
  }
}

TEST(bad_input) {
  hfy_kernel k = random_memory(2, 5, 70, 0.1);
  hfy_kernel_training t;
  hfy_kernel_geometry geo;
  hfy_kernel_fisher f;
  hfy_kernel_path path;
  hfy_kernel_census census;
  hfy_net net;
  hfy_rng rng = hfy_rng_seed(1);
  size_t flips[2] = {3, 71}, i;
  double zero = 0, nan = zero / zero, recovered[2], big;
  unsigned char small[64];
  hfy_work tight = {0};
  memset(&t, 0, sizeof t);
  memset(&path, 0, sizeof path);
  alpha[0] = 7;
#define FAILS(part) CHECK_FAILS(hfy_kernel_train(&k, &t, alpha, NULL, &work), HFY_ERR_ARG, &work, part)
  CHECK_FAILS(hfy_kernel_train(NULL, &t, alpha, NULL, &work), HFY_ERR_ARG, &work, "kernel is NULL");
  CHECK_FAILS(hfy_kernel_train(&k, &t, NULL, NULL, &work), HFY_ERR_ARG, &work, "alpha is NULL");
  k.dim = 0, FAILS("dim is 0"), k.dim = 70;
  k.count = 0, FAILS("count is 0"), k.count = SIZE_MAX / 2, FAILS("count is"), k.count = 5;
  k.patterns = NULL, FAILS("patterns is NULL"), k.patterns = bits;
  bits[3] |= UINT64_C(1) << 6, FAILS("patterns has a bit set beyond dim, 70, in row 1"), bits[3] &= 63;
  k.gamma = -1, FAILS("gamma is -1"), k.gamma = nan, FAILS("gamma is nan"), k.gamma = HUGE_VAL, FAILS("gamma is inf");
  k.gamma = 0.1, k.kind = (hfy_kernel_kind)4, FAILS("kind is 4"), k.kind = HFY_KERNEL_POLYNOMIAL;
  k.degree = 1.5, FAILS("degree is 1.5"), k.degree = 65, FAILS("degree is 65"), k.degree = 2;
  k.offset = -1, FAILS("offset is -1"), k.offset = 1e200, FAILS("range of double"), k.offset = 0;
  k.kind = HFY_KERNEL_RBF, k.order = (hfy_binary_order)4, FAILS("order is 4"), k.order = HFY_BINARY_SYNCHRONOUS;
  t.trainer = (hfy_kernel_trainer)9, FAILS("trainer is 9"), t.trainer = HFY_KERNEL_EXACT;
  t.lambda = -1, FAILS("lambda is -1"), t.lambda = nan, FAILS("lambda is nan"), t.lambda = 0;
  t.eta = -1, FAILS("eta is -1"), t.eta = HUGE_VAL, FAILS("eta is inf"), t.eta = 0;
  t.tol = -1, FAILS("tol is -1"), t.tol = 0;
  t.unpenalised = 1, FAILS("unpenalised is for trainer PAPER"), t.unpenalised = 0;
  t.resume = 1, FAILS("resume is set, but state is NULL"), t.resume = 0;
  t.trainer = HFY_KERNEL_RAW, t.state = other, FAILS("state and resume"), t.state = NULL, t.trainer = HFY_KERNEL_EXACT;
  gram[0] = nan, t.gram = gram, FAILS("gram holds NaN"), t.gram = NULL;
  tight.buffer = small, tight.capacity = sizeof small;
  CHECK_FAILS(hfy_kernel_train(&k, &t, alpha, NULL, &tight), HFY_ERR_NOMEM, &tight, "this call needs");
  CHECK_FAILS(hfy_kernel_recall(&k, bits, 1, ends, NULL, &tight), HFY_ERR_NOMEM, &tight, "this call needs");
  CHECK(alpha[0] == 7);
  /* runs away: far beyond the stable step, without a penalty to hold it */
  t.trainer = HFY_KERNEL_PAPER, t.eta = 1e308, t.lambda = 1e300, t.max_iterations = 50;
  CHECK_FAILS(hfy_kernel_train(&k, &t, alpha, NULL, &work), HFY_ERR_NONFINITE, &work, "left the range of double");
  CHECK(alpha[0] == 7);
  t.trainer = HFY_KERNEL_EXACT, t.lambda = 1e-18, t.eta = 0, t.max_iterations = 0; /* two equal patterns, next to no penalty */
  bits[2] = bits[0], bits[3] = bits[1];
  CHECK_FAILS(hfy_kernel_train(&k, &t, alpha, NULL, &work), HFY_ERR_SINGULAR, &work, "lambda 1e-18 is too small");
  t.trainer = HFY_KERNEL_RIDGE;
  CHECK_FAILS(hfy_kernel_train(&k, &t, alpha, NULL, &work), HFY_ERR_SINGULAR, &work, "lambda 1e-18 is too small");
  CHECK(alpha[0] == 7);
  t.trainer = HFY_KERNEL_PAPER, t.lambda = 0, t.unpenalised = 1;
  {
    hfy_kernel_result result;
    CHECK(hfy_kernel_train(&k, &t, alpha, &result, NULL) == HFY_OK && result.gap > DBL_MAX);
  }
  k.alpha = NULL;
  CHECK_FAILS(hfy_kernel_recall(&k, bits, 1, ends, NULL, &work), HFY_ERR_ARG, &work, "alpha is NULL");
  k.alpha = alpha;
  {
    size_t visits;
    hfy_kernel_report report;
    memset(&report, 0, sizeof report), report.visited = &visits, k.max_steps = SIZE_MAX / 4;
    CHECK_FAILS(hfy_kernel_recall(&k, bits, 1, ends, &report, &work), HFY_ERR_ARG, &work, "visits cannot exist");
    k.max_steps = 0;
  }
  CHECK_FAILS(hfy_kernel_recall(&k, NULL, 1, ends, NULL, &work), HFY_ERR_ARG, &work, "states is NULL");
  CHECK_FAILS(hfy_kernel_recall(&k, bits, 1, NULL, NULL, &work), HFY_ERR_ARG, &work, "out is NULL");
  CHECK(hfy_kernel_recall(&k, NULL, 0, NULL, NULL, &work) == HFY_OK);
  CHECK_FAILS(hfy_kernel_flip(bits, 1, 70, 71, &rng, ends, &work), HFY_ERR_ARG, &work, "flips is 71");
  CHECK(hfy_kernel_flip(bits, 1, 70, 70, &rng, ends, &work) == HFY_OK && distance(bits, ends, 70) == 70);
  CHECK_FAILS(hfy_kernel_flip(bits, 1, 70, 1, NULL, ends, &work), HFY_ERR_ARG, &work, "rng is NULL");
  CHECK_FAILS(hfy_kernel_random(SIZE_MAX / 8, 70, &rng, ends, &work), HFY_ERR_ARG, &work, "cannot exist");
  CHECK_FAILS(hfy_kernel_random(1, 70, NULL, ends, &work), HFY_ERR_ARG, &work, "rng is NULL");
  CHECK_FAILS(hfy_kernel_random(1, 70, &rng, NULL, &work), HFY_ERR_ARG, &work, "out is NULL");
  CHECK_FAILS(hfy_kernel_basins(&k, 5, flips, 2, &rng, recovered, NULL, &work), HFY_ERR_ARG, &work, "flips[1] is 71");
  CHECK_FAILS(hfy_kernel_basins(&k, 6, flips, 1, &rng, recovered, NULL, &work), HFY_ERR_ARG, &work, "patterns is 6");
  CHECK_FAILS(hfy_kernel_explore(&k, 0, &rng, &census, &work), HFY_ERR_ARG, &work, "n is 0");
  CHECK_FAILS(hfy_kernel_explore(&k, 5, &rng, NULL, &work), HFY_ERR_ARG, &work, "census is NULL");
  for (i = 0; i < 70; i++) h[i] = 1;
  h[3] = nan;
  CHECK_FAILS(hfy_kernel_forces(&k, h, 1, NULL, NULL, &geo, &work), HFY_ERR_NONFINITE, &work, "row 0");
  CHECK_FAILS(hfy_kernel_information(&k, 70, h, NULL, 0, 0, &f, NULL, NULL, &work), HFY_ERR_ARG, &work, "neuron is 70");
  CHECK_FAILS(hfy_kernel_information(&k, 0, h, NULL, 0, 0, &f, NULL, NULL, &work), HFY_ERR_NONFINITE, &work, "a holds");
  CHECK_FAILS(hfy_kernel_information(&k, 0, h, NULL, -1, 0, &f, NULL, NULL, &work), HFY_ERR_ARG, &work, "lambda is -1");
  CHECK_FAILS(hfy_kernel_information(&k, 0, h, NULL, 0, nan, &f, NULL, NULL, &work), HFY_ERR_ARG, &work, "damping");
  CHECK_FAILS(hfy_kernel_follow(&k, 0, NULL, 0, 0, 0, 0, 0, &path, &work), HFY_ERR_ARG, &work, "steps is 0");
  CHECK_FAILS(hfy_kernel_follow(&k, 0, NULL, -1, 0, 1, 0, 0, &path, &work), HFY_ERR_ARG, &work, "eta is -1");
  k.kind = HFY_KERNEL_POLYNOMIAL;
  CHECK_FAILS(hfy_kernel_net(&k, keys, values, &net, &work), HFY_ERR_UNSUPPORTED, &work, "POLYNOMIAL");
  k.kind = HFY_KERNEL_RBF, big = alpha[3], alpha[3] = HUGE_VAL;
  CHECK_FAILS(hfy_kernel_net(&k, keys, values, &net, &work), HFY_ERR_NONFINITE, &work, "alpha[3]");
  CHECK_FAILS(hfy_kernel_quantize(alpha, 10, bytes, NULL, &work), HFY_ERR_NONFINITE, &work, "alpha holds");
  CHECK_FAILS(hfy_kernel_bound(&k, sigma, &work), HFY_ERR_NONFINITE, &work, "alpha[3]");
  CHECK_FAILS(hfy_kernel_bound(&k, NULL, &work), HFY_ERR_ARG, &work, "bound is NULL");
  CHECK_FAILS(hfy_kernel_bound(NULL, sigma, &work), HFY_ERR_ARG, &work, "kernel is NULL");
  for (flips[0] = 0; flips[0] < 2; flips[0]++) {
    for (i = 0; i < k.dim; i++) sigma[i] = 1;
    sigma[2] = flips[0] ? nan : -1, k.bound = sigma;
    CHECK_FAILS(hfy_kernel_recall(&k, bits, 1, ends, NULL, &work), HFY_ERR_ARG, &work, "bound[2] is");
    k.bound = NULL;
  }
  alpha[3] = big;
  x[0] = 1, x[1] = 0;
  CHECK_FAILS(hfy_kernel_pack(x, 1, 2, ends, &work), HFY_ERR_ARG, &work, "x[0][1] is 0");
  CHECK_FAILS(hfy_kernel_pack(x, 1, 0, ends, &work), HFY_ERR_ARG, &work, "dim is 0");
  ends[0] = 8;
  CHECK_FAILS(hfy_kernel_unpack(ends, 1, 3, x, &work), HFY_ERR_ARG, &work, "beyond dim, 3");
  CHECK(hfy_kernel_state_size(0, 3) == SIZE_MAX && hfy_kernel_state_size(SIZE_MAX / 2, 3) == SIZE_MAX);
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(stream);
  RUN(gram_rows);
  RUN(trained_memories);
  RUN(isolated_pattern);
  RUN(unstable_descent);
  RUN(forces);
  RUN_LONG(learning_dynamics);
  RUN(information);
  RUN(information_of_extremes);
  RUN(small_divergences);
  RUN_ONCE(sharpness_in_a_crowd);
  RUN_ONCE(baselines);
  RUN(untrained);
  RUN(asynchronous);
  RUN(edge_cases);
  RUN_ONCE(trainers_agree);
  RUN_ONCE(one_solver_for_all);
  RUN_ONCE(warm_start);
  RUN_ONCE(scratch);
  RUN(stop_and_resume);
  RUN_ONCE(gaps);
  RUN(packing_and_kernels);
  RUN(other_recalls);
  RUN(nearest_exactly);
  RUN_ONCE(skipping_changes_nothing);
  RUN(far_from_1);
  RUN(wild_alpha);
  RUN_ONCE(ties_of_whole_numbers);
  RUN(foreign_things);
  RUN(small_things);
  RUN_ONCE(no_self_recall);
  RUN(no_self_skipping);
  RUN_ONCE(no_self_training);
  RUN(no_self_forces);
  RUN(sequences);
  RUN(hetero_association);
  RUN(as_a_net);
  RUN(symmetries);
  RUN(forced_instruction_sets);
  RUN_ONCE(largest_margins);
  RUN_ONCE(margins_are_the_limit);
  RUN(no_margin);
  RUN(tables);
  RUN(hessian);
  RUN(far_from_the_patterns_without_self);
  RUN(curvatures);
  RUN(other_ways);
  RUN(bad_input);
  hfy_work_free(&work);
  return CHECK_END();
}
