/* nets.h: what the tests of a net share: a net with all its arrays, every separation and post by number. */
#ifndef NETS_H
#define NETS_H

#define MAX_N ORACLE_COUNT
#define MAX_D ORACLE_DIM
#define MAX_B ORACLE_QUERIES

/* A net with all its arrays. */
typedef struct fixture {
  hfy_net net;
  size_t B;
  hfy_real keys[MAX_N * MAX_D], values[MAX_N * MAX_D], readout[MAX_N * MAX_D], bias[MAX_B * MAX_N],
      self_coupling[MAX_D];
  hfy_real gain[MAX_D], delta[MAX_D], spd[MAX_D * MAX_D], matrix[MAX_D * MAX_D], queries[MAX_B * MAX_D];
  hfy_real out[MAX_B * MAX_D];
  size_t visible[MAX_B];
  double upper[MAX_B * MAX_N], lower[MAX_B * MAX_N];
  hfy_sep more;
} fixture;

static CHECK_UNUSED void make(fixture *f, uint64_t seed, size_t N, size_t D, size_t B) {
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
  for (i = 0; i < MAX_B * MAX_N; i++) f->lower[i] = 0.02 + 0.002 * (double)(i * 7 % 31);
  for (i = 0; i < B; i++) f->visible[i] = 1 + (size_t)(hfy_rng_u64(&rng) % N);
  f->B = B;
  f->net.dim = D;
  f->net.count = N;
  f->net.keys = f->keys;
}

enum { SEPS = 21 };
static CHECK_UNUSED const char *use_sep(fixture *f, int which) {
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
  case 18: return sep->kind = HFY_SEP_NORMMAX, sep->gamma = HUGE_VAL, "normmax inf";
  case 19: return sep->kind = HFY_SEP_RECTIFIED, sep->degree = 2.5, "rectified 2.5";
  default: return sep->kind = HFY_SEP_EVEN, "even 2";
  }
}
static CHECK_UNUSED int sep_is_unbounded(int which) { return (which >= 14 && which <= 16) || which >= 19; }

enum { POSTS = 12 };
static CHECK_UNUSED const char *use_post(fixture *f, int which) {
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
static CHECK_UNUSED int post_has_energy(int which) { return which < 9; }
static CHECK_UNUSED int post_is_bounded(int which) { return (which >= 1 && which <= 6) || which == 9; }

/* equal to the bit, or, if `ulps` is not 0, within so many */
static CHECK_UNUSED int agree(const hfy_real *a, const hfy_real *b, size_t n, double ulps) {
  size_t i;
  if (!(ulps > 0)) return same_bits(a, b, n * sizeof *a);
  for (i = 0; i < n && fabs((double)a[i] - (double)b[i]) <= ulps * REAL_EPS * (1 + fabs((double)a[i]));) i++;
  return i == n;
}

static CHECK_UNUSED void show(const char *sep, const char *post, int more) {
  static int seen;
  if (check_errors < seen) seen = 0;
  if (check_errors > seen && seen < 5) printf("      (%s / %s / %d)\n", sep, post, more);
  seen = check_errors;
}

/* every option alone and in random company */
static CHECK_UNUSED void with_options(fixture *f, unsigned options) {
  hfy_net *net = &f->net;
  if (options & 1) net->values = f->values;
  if (options & 2) {
    net->readout = f->readout;
    net->readout_dim = 3;
  }
  if (options & 4) net->self_coupling = f->self_coupling;
  if (options & 8) net->bias = f->bias;
  if (options & 16) {
    net->bias = f->bias;
    net->bias_stride = net->count;
  }
  if (options & 32) net->visible = f->visible;
  if (options & 64) net->step = 0.6;
  if (options & 128) net->tol = 0.05;
  if (options & 256) net->sep.bound_stride = net->sep.upper ? net->count : 0;
  if (options & 512 && !net->sep.upper && !net->sep.lower && net->sep.kind != HFY_SEP_SEQUENCE_KSUBSETS &&
      net->sep.kind != HFY_SEP_SPARSEMAP && (net->sep.kind < HFY_SEP_IDENTITY || net->sep.kind > HFY_SEP_EXP) &&
      net->sep.kind <= HFY_SEP_UNIFORM) {
    net->null_pattern = 1;
    net->null_score = 0.4;
  }
}

typedef struct gradients {
  hfy_real queries[MAX_B * MAX_D], keys[MAX_N * MAX_D], values[MAX_N * MAX_D], readout[MAX_N * MAX_D];
  hfy_real bias[MAX_B * MAX_N], self_coupling[MAX_D], gain[MAX_D], delta[MAX_D], matrix[MAX_D * MAX_D];
  double upper[MAX_B * MAX_N], lower[MAX_B * MAX_N];
  double null_score, beta, alpha, gamma, numbers[7]; /* the post's: beta, radius, eta, eps, power, sigma, theta */
} gradients;

#endif
