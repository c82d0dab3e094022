/* index: memories of any numbers, prepared: retrievals give the bits of the full scan, or the same refusal. Without the
   keys: scores within their bounds, and what is certified is what the keys say. Then
   members or bytes of the index are damaged: members are always refused, bytes never cost more than an answer. */
#define HFY_ONLY_NET
#define HFY_ONLY_INDEX
#include "fuzz.h"

typedef struct answers {
  hfy_real *out;
  hfy_status *status, first;
  size_t *best, *support;
  double *residual;
} answers;

static answers ask(const hfy_net *net, const hfy_real *q, size_t asked) {
  hfy_report report;
  answers a;
  memset(&report, 0, sizeof report);
  a.out = (hfy_real *)fuzz_output(asked * net->dim * sizeof *a.out);
  report.best = a.best = (size_t *)fuzz_output(asked * sizeof *a.best);
  report.support = a.support = (size_t *)fuzz_output(asked * sizeof *a.support);
  report.residual = a.residual = (double *)fuzz_output(asked * sizeof *a.residual);
  report.status = a.status = (hfy_status *)fuzz_room(asked * sizeof *a.status);
  memset(a.status, 0, asked * sizeof *a.status);
  a.first = hfy_retrieve(net, q, asked, a.out, &report, &fuzz_work);
  if (asked > 1) fuzz_outputs = 0; /* others are answered */
  fuzz_kept("hfy_retrieve", a.first);
  return a;
}

static int same(const answers *a, const answers *b, size_t asked, size_t dim) {
  return a->first == b->first && same_bits(a->status, b->status, asked * sizeof *a->status) &&
         same_bits(a->out, b->out, asked * dim * sizeof *a->out) &&
         same_bits(a->best, b->best, asked * sizeof *a->best) &&
         same_bits(a->support, b->support, asked * sizeof *a->support) &&
         same_bits(a->residual, b->residual, asked * sizeof *a->residual);
}

/* Keys with what a prepared memory lives on: a mean, few directions, ties, rows far longer than others. */
static hfy_real *keys_of(size_t count, size_t dim, int sound) {
  hfy_real *x = fuzz_reals(count * dim, sound);
  const size_t way = fuzz_below(5), from = fuzz_below(count), to = fuzz_below(count);
  const double mean = way == 1 ? 3 : 0;
  size_t i, d;
  for (i = 0; i < count; i++)
    for (d = 0; d < dim; d++) {
      hfy_real *e = x + i * dim + d;
      if (way == 1) *e += (hfy_real)(mean * cos((double)d));
      if (way == 2 && d) *e = (hfy_real)((double)x[i * dim] * sin((double)d) + 0.05 * (double)*e);
      if (way == 3) *e = *e > 0 ? 1 : -1;
    }
  if (fuzz_below(2)) memmove(x + from * dim, x + to * dim, dim * sizeof *x);
  if (way == 4) {
    const hfy_real scale = (hfy_real)ldexp(1, (int)fuzz_below(60) - 30);
    for (d = 0; d < dim; d++) x[from * dim + d] *= scale;
  }
  return x;
}

static hfy_real *queries_of(const hfy_real *keys, size_t count, size_t dim, size_t asked) {
  hfy_real *q = fuzz_reals(asked * dim, fuzz_below(4) > 0);
  size_t j, d;
  for (j = 0; j < asked; j++) {
    const size_t at = fuzz_below(count), way = fuzz_below(4);
    for (d = 0; d < dim && way; d++)
      q[j * dim + d] = way == 1 ? keys[at * dim + d]
                                : (hfy_real)((double)keys[at * dim + d] + 0.3 * (double)q[j * dim + d]);
  }
  return q;
}

/* The first query by the index alone; keys: what it is of, or NULL. */
static void alone(const hfy_index *index, const hfy_real *keys, const hfy_real *q) {
  const hfy_sim sim = fuzz_below(2) ? (hfy_sim)index->sim : HFY_SIM_DOT;
  const double beta = fuzz_below(2) ? 1 : fuzz_parameter();
  const size_t n = index->count, k = 1 + fuzz_below(n < 5 ? n : 5);
  hfy_real *scores = (hfy_real *)fuzz_output(n * sizeof *scores), *theta = (hfy_real *)fuzz_room(n * sizeof *theta);
  double *error = (double *)fuzz_output(sizeof *error);
  size_t *top = (size_t *)fuzz_output(k * sizeof *top), *certified = (size_t *)fuzz_output(sizeof *certified), i, t;
  hfy_status status = hfy_index_scores(index, sim, beta, q, 1, scores, error, &fuzz_work);
  CHECK(hfy_index_top(index, sim, beta, q, 1, k, top, NULL, NULL, certified, &fuzz_work) == status);
  if (!fuzz_kept("hfy_index_top", status)) return;
  CHECK(fuzz_finite_reals(scores, n) && *error <= DBL_MAX && *certified <= k);
  for (t = 0; t < k; t++) CHECK(top[t] < n);
  if (!keys || hfy_sim_scores(sim, beta, keys, n, index->dim, 0, q, 1, theta, &fuzz_work)) return;
  if (!fuzz_finite_reals(theta, n)) return;
  for (i = 0; i < n; i++) CHECK(fabs((double)scores[i] - (double)theta[i]) <= *error);
  for (t = 0; t < *certified; t++) /* none that comes later, or nowhere, has as much */
    for (i = 0; i < n; i++) {
      size_t before = 0;
      while (before <= t && top[before] != i) before++;
      CHECK(before <= t || theta[i] < theta[top[t]]);
    }
}

static void fuzz(void) {
  static const size_t dims[] = {1, 2, 3, 7, 16, 31, 32, 33, 64, 65, 129, 130};
  const size_t dim = dims[fuzz_below(COUNT(dims))], count = 1 + fuzz_below(fuzz_below(4) ? 40 : 150);
  const size_t asked = fuzz_below(3) ? 1 + fuzz_below(3) : 17;
  const int sound = fuzz_below(3) > 0;
  hfy_real *keys = keys_of(count, dim, sound), *q = queries_of(keys, count, dim, asked), *bias;
  hfy_index_options options;
  hfy_index *index, kept;
  unsigned char *memory;
  answers right, got;
  hfy_net net;
  size_t bytes, at, edits;
  hfy_status status;
  memset(&net, 0, sizeof net);
  net.dim = dim, net.count = count, net.keys = keys, net.sep = fuzz_sep(count, fuzz_below(4) == 0);
  net.beta = fuzz_below(2) ? 0 : fuzz_below(4) ? ldexp(1, (int)fuzz_below(12) - 6) : fuzz_parameter();
  net.max_steps = fuzz_below(2) ? 1 : 1 + fuzz_below(5);
  bias = fuzz_reals(count, fuzz_below(4) > 0);
  if (!fuzz_below(3)) net.bias = bias;
  if (!fuzz_below(4)) net.post.kind = (hfy_post_kind)fuzz_below(HFY_POST_LAYERNORM + 1);
  options.prefix = fuzz_below(2) ? SIZE_MAX : 1 + fuzz_below(dim < 12 ? dim : 12);
  if (!fuzz_below(4)) options.prefix = fuzz_below(dim + 3);
  options.sample = fuzz_below(2) ? 0 : fuzz_below(20);
  options.capacity = fuzz_below(2) ? 0 : fuzz_below(2 * count);
  options.sim = net.sim = (hfy_sim)fuzz_below(3);
  if (!fuzz_below(4)) options.sim = HFY_SIM_DOT;
  bytes = hfy_index_size(count, dim, &options);
  if (bytes > 1000000) return;
  memory = (unsigned char *)fuzz_room(bytes);
  index = (hfy_index *)fuzz_output(sizeof *index);
  status = hfy_index_build(keys, count, dim, 0, &options, memory, bytes, index, &fuzz_work);
  CHECK(status == HFY_OK || !fuzz_finite_reals(keys, count * dim) || status == HFY_ERR_ARG);
  if (!fuzz_kept("hfy_index_build", status)) return;
  CHECK(hfy_index_check(index, keys, count, dim, 0, &fuzz_work) == HFY_OK);
  right = ask(&net, q, asked);
  net.index = index;
  got = ask(&net, q, asked);
  if (!CHECK(same(&right, &got, asked, dim))) printf("      (%s)\n", fuzz_work.message);
  alone(index, keys, q);
  kept = *index;
  at = fuzz_below(sizeof *index - sizeof index->data) + sizeof index->data;
  if (fuzz_below(2)) { /* a member */
    ((unsigned char *)index)[at] = (unsigned char)(((unsigned char *)index)[at] ^ 1u << fuzz_below(8));
    if (!fuzz_below(3)) index->seal = hfy_index_seal_(index); /* sealed all the same: no crash */
    got = ask(&net, q, asked);
    if (index->seal == kept.seal && !same_bits(index, &kept, sizeof kept)) { /* where it cannot help nobody looks */
      CHECK(got.first == HFY_ERR_ARG || same(&right, &got, asked, dim));
      CHECK(index->generation != kept.generation ||
            hfy_index_check(index, keys, count, dim, 0, &fuzz_work) == HFY_ERR_ARG);
    }
    *index = kept;
  }
  for (edits = fuzz_below(4); edits; edits--) {
    unsigned char *byte = memory + ((const unsigned char *)index->data - memory) + fuzz_below(index->bytes);
    if (fuzz_below(2))
      *byte = (unsigned char)fuzz_bits(1);
    else
      *byte = (unsigned char)(*byte ^ 1u << fuzz_below(8));
  }
  status = hfy_index_check(index, keys, count, dim, 0, &fuzz_work);
  CHECK(status == HFY_OK || status == HFY_ERR_ARG);
  got = ask(&net, q, asked);
  CHECK(status || same(&right, &got, asked, dim));
  alone(index, status ? NULL : keys, q); /* no crash */
}
