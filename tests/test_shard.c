/* test_shard.c: partials of slices, merged in random trees through copies at odd addresses, against hfy_retrieve on the
   whole net: to the bit where there is a margin, on ties, masks and adversarial scores; sums to rounding; when exactly
   a query has too many candidates; blocks that are truncated, damaged or of another net; every status. */
#ifndef TEST_LINKED /* the Makefile links all that need the public interface only with one implementation */
#define HFY_IMPLEMENTATION
#endif
#include "../hfy.h"
#include "check.h"

enum { MAX_N = 1400, MAX_D = 40, MAX_B = 20, MAX_S = 7, TOP = 3 };

/* A net with all its arrays. */
static struct fixture {
  hfy_net net;
  size_t B;
  hfy_real keys[MAX_N * MAX_D], values[MAX_N * MAX_D], readout[MAX_N * MAX_D], bias[MAX_B * MAX_N];
  hfy_real self_coupling[MAX_D], queries[MAX_B * MAX_D];
  size_t visible[MAX_B];
} f;

/* What a retrieval says. */
typedef struct answer {
  hfy_status status[MAX_B], first;
  hfy_real out[MAX_B * MAX_D], top_weight[MAX_B * TOP], best_score[MAX_B], top_score[MAX_B * TOP], null_weight[MAX_B];
  size_t best[MAX_B], support[MAX_B], steps[MAX_B], cycle[MAX_B], top_index[MAX_B * TOP];
  double residual[MAX_B];
} answer;

/* A partial in memory of its own: `room` bytes from `at` on. */
typedef struct block {
  unsigned char *memory, *at;
  size_t room;
} block;

static hfy_work work;
static int with_index; /* every slice gets one */

static void make(uint64_t seed, size_t N, size_t D, size_t B) {
  hfy_rng rng = hfy_rng_seed(seed);
  size_t i;
  memset(&f, 0, sizeof f);
  normals(&rng, f.keys, N * D, 1);
  normals(&rng, f.values, N * D, 1);
  normals(&rng, f.readout, N * MAX_D, 1);
  normals(&rng, f.bias, B * N, 0.3);
  normals(&rng, f.self_coupling, D, 0.1);
  normals(&rng, f.queries, B * D, 1);
  for (i = 0; i < B; i++) f.visible[i] = 1 + below(&rng, N);
  f.B = B;
  f.net.dim = D;
  f.net.count = N;
  f.net.keys = f.keys;
  f.net.beta = 1;
}

enum { MARGINS = 16 };
static void use_margin(int which) {
  hfy_sep *sep = &f.net.sep;
  memset(sep, 0, sizeof *sep);
  switch (which) {
  case 0: sep->kind = HFY_SEP_SPARSEMAX; break;
  case 1: sep->kind = HFY_SEP_ENTMAX; break;
  case 2: sep->kind = HFY_SEP_ENTMAX, sep->alpha = 1.2; break;
  case 3: sep->kind = HFY_SEP_ENTMAX, sep->alpha = 2.5; break;
  case 4: sep->kind = HFY_SEP_ENTMAX, sep->alpha = HUGE_VAL; break;
  case 5: sep->kind = HFY_SEP_NORMMAX; break;
  case 6: sep->kind = HFY_SEP_NORMMAX, sep->gamma = 1; break;
  case 7: sep->kind = HFY_SEP_NORMMAX, sep->gamma = 1.5; break;
  case 8: sep->kind = HFY_SEP_NORMMAX, sep->gamma = 4; break;
  case 9: sep->kind = HFY_SEP_NORMMAX, sep->gamma = HUGE_VAL; break;
  case 10: sep->kind = HFY_SEP_KSUBSETS, sep->k = 3; break;
  case 11: sep->kind = HFY_SEP_KSUBSETS, sep->k = 1.5, sep->rho = 0.25; break;
  case 12: sep->kind = HFY_SEP_KSUBSETS, sep->k = 40, sep->rho = 2; break;
  case 13: sep->kind = HFY_SEP_ARGMAX; break;
  case 14: sep->kind = HFY_SEP_ARGMAX, sep->k = 5; break;
  default: sep->kind = HFY_SEP_ARGMAX, sep->k = 60; break;
  }
}

static void ask(hfy_report *report, answer *a, int everything) {
  memset(report, 0, sizeof *report);
  memset(a, 0x5A, sizeof *a);
  report->status = a->status;
  report->best = a->best;
  report->steps = a->steps;
  report->cycle = a->cycle;
  report->null_weight = a->null_weight;
  if (f.net.sep.kind != HFY_SEP_IDENTITY && f.net.sep.kind != HFY_SEP_POWER) report->best_score = a->best_score;
  if (!f.net.readout) report->residual = a->residual;
  if (!everything) return;
  report->support = a->support;
  report->top = TOP;
  report->top_index = a->top_index;
  report->top_weight = a->top_weight;
  report->top_score = a->top_score;
}

static void whole(answer *a, int everything) {
  hfy_report report;
  ask(&report, a, everything);
  a->first = hfy_retrieve(&f.net, f.queries, f.B, a->out, &report, &work);
}

/* Memory for `room` bytes at an odd address. */
static block new_block(hfy_rng *rng, size_t room) {
  block b;
  size_t shift = below(rng, 8);
  b.memory = (unsigned char *)malloc(room + shift);
  b.at = b.memory + shift;
  b.room = room;
  memset(b.at, (int)below(rng, 256), room); /* what stands there must not matter */
  return b;
}

/* The net of patterns from .. to-1. */
static hfy_net slice_of(size_t from, size_t to) {
  hfy_net slice = f.net;
  slice.count = to - from;
  slice.keys += from * (slice.key_stride ? slice.key_stride : slice.dim);
  if (slice.values) slice.values += from * (slice.value_stride ? slice.value_stride : slice.dim);
  if (slice.readout) slice.readout += from * (slice.readout_stride ? slice.readout_stride : slice.readout_dim);
  if (slice.bias) slice.bias += from;
  return slice;
}

static block find(hfy_rng *rng, size_t from, size_t to, size_t capacity) {
  hfy_net slice = slice_of(from, to);
  hfy_index index;
  void *memory = NULL;
  block b = new_block(rng, hfy_shard_bytes(&f.net, f.B, capacity));
  if (with_index && to > from) {
    hfy_index_options options;
    size_t bytes;
    memset(&options, 0, sizeof options);
    if (slice.sim != HFY_SIM_MANHATTAN) options.sim = slice.sim;
    bytes = hfy_index_size(to - from, slice.dim, &options);
    memory = malloc(bytes);
    CHECK(!hfy_index_build(slice.keys, to - from, slice.dim, slice.key_stride, &options, memory, bytes, &index, &work));
    slice.index = &index;
  }
  CHECK(hfy_shard_find(&slice, from, f.queries, f.B, capacity, b.at, b.room, &work) == HFY_OK);
  free(memory);
  return b;
}

/* Merges `from`, sent as nothing but the bytes in use, and frees it. */
static void merge(hfy_rng *rng, block *into, block *from) {
  size_t used = hfy_shard_used(from->at, from->room);
  block sent = new_block(rng, used);
  CHECK(used > 0 && used <= from->room);
  memcpy(sent.at, from->at, used);
  free(from->memory);
  CHECK(hfy_shard_merge(into->at, into->room, sent.at, sent.room, &work) == HFY_OK);
  free(sent.memory);
}

/* The whole of the fixture through `shards` slices with random bounds, merged two by two at random. */
static block gather(hfy_rng *rng, size_t shards, size_t capacity) {
  block part[MAX_S];
  size_t bound[MAX_S + 1], s, i;
  bound[0] = 0;
  bound[shards] = f.net.count;
  for (s = 1; s < shards; s++) bound[s] = below(rng, f.net.count + 1);
  for (s = 1; s < shards; s++)
    for (i = s; i > 1 && bound[i] < bound[i - 1]; i--) {
      size_t swap = bound[i];
      bound[i] = bound[i - 1];
      bound[i - 1] = swap;
    }
  for (s = 0; s < shards; s++) part[s] = find(rng, bound[s], bound[s + 1], capacity);
  while (shards > 1) {
    size_t a = below(rng, shards), b = below(rng, shards - 1);
    b += b >= a;
    merge(rng, part + a, part + b);
    part[b] = part[--shards];
  }
  return part[0];
}

static void finish(const block *b, answer *a, int everything) {
  hfy_net whole_net = f.net;
  hfy_report report;
  whole_net.keys = whole_net.values = whole_net.readout = whole_net.bias = NULL;
  whole_net.visible = NULL;
  ask(&report, a, everything);
  a->first = hfy_shard_finish(&whole_net, f.queries, f.B, b->at, b->room, a->out, &report, &work);
}

static void sharded(hfy_rng *rng, size_t shards, size_t capacity, answer *a, int everything) {
  block b = gather(rng, shards, capacity);
  finish(&b, a, everything);
  free(b.memory);
}

static int same(const answer *a, const answer *b) { return memcmp(a, b, sizeof *a) == 0; }

static const size_t shard_counts[] = {1, 2, 3, 7};

/* All margin kinds on the fixture as it stands, all shard counts. capacity: enough for any. */
static int all_margins_agree(uint64_t seed, size_t capacity) {
  hfy_rng rng = hfy_rng_seed(seed);
  answer want, got;
  int which, ok = 1;
  size_t s;
  for (which = 0; which < MARGINS; which++) {
    use_margin(which);
    if (f.net.sep.k > (double)f.net.count) continue;
    whole(&want, 1);
    for (s = 0; s < 4; s++) {
      sharded(&rng, shard_counts[s], capacity, &got, 1);
      if (!same(&want, &got)) {
        printf("    margin kind %d, %u shards\n", which, (unsigned)shard_counts[s]);
        ok = 0;
      }
    }
    f.net.null_pattern = 1; /* no slice's */
    f.net.null_score = 0.3 * which;
    whole(&want, 1);
    sharded(&rng, 1 + (size_t)which % 4, capacity, &got, 1);
    if (!same(&want, &got)) printf("    margin kind %d with a null pattern\n", which), ok = 0;
    f.net.null_pattern = 0;
  }
  return ok;
}

TEST(margins_random) {
  make(1, 300, 9, 5);
  CHECK(all_margins_agree(10, 300));
  f.net.beta = 30; /* one-hot */
  CHECK(all_margins_agree(11, 300));
  f.net.beta = 1e-3; /* everything is a candidate */
  CHECK(all_margins_agree(12, 300));
  make(2, MAX_N, 3, 6); /* several blocks of keys, hundreds of rows to add */
  CHECK(all_margins_agree(13, MAX_N));
  f.net.beta = 1e-4;
  CHECK(all_margins_agree(17, MAX_N));
  make(3, 200, MAX_D, MAX_B);
  f.net.beta = 0.3;
  CHECK(all_margins_agree(14, 200));
  make(4, 1, 5, 2); /* one pattern, up to six empty slices */
  CHECK(all_margins_agree(15, 1));
}

/* Scores at the very edge of getting weight, of any size beside the margin, and beside one that is much better: a slice
   keeps what gets 1e-16 in the whole. */
TEST(margins_at_the_edge) {
  static const double tiny[] = {1e-46, 2e-46, 1e-47, 0};
  hfy_rng rng = hfy_rng_seed(24);
  size_t round, i;
  for (round = 0; round < 400; round++) {
    answer want, got;
    const double gap = 1 + (double)below(&rng, 50), base = floor(pow(10, 7.2 * hfy_rng_uniform(&rng)));
    make(round, 5, 1, 1);
    use_margin((int)(round % 11)); /* those with an edge */
    f.queries[0] = 1;
    for (i = 0; i < 5; i++) f.keys[i] = (hfy_real)(base - gap * (double)(i ? 1 + below(&rng, 2) : 0));
    f.net.beta = hfy_sep_margin(&f.net.sep);
    if (!(f.net.beta > 0 && f.net.beta < 1e300)) f.net.beta = 1;
    f.net.beta *= (1 + 2.2e-16 * ((double)below(&rng, 9) - 4)) / gap;
    whole(&want, 1);
    sharded(&rng, 1 + round % 4, 5, &got, 1);
    if (!CHECK(want.first == HFY_OK && same(&want, &got)))
      printf("    round %u, base %g gap %g\n", (unsigned)round, base, gap);
  }
  for (round = 0; round < 8; round++) { /* the slope at the edge is without end */
    answer want, got;
    make(round, 100, 1, 1);
    f.net.sep.kind = HFY_SEP_ENTMAX, f.net.sep.alpha = 20 + 150 * (double)round;
    f.queries[0] = 1, f.net.beta = 1;
    for (i = 0; i < 100; i++)
      f.keys[i] = (hfy_real)(i == 70 ? 1e-18 : i % 9 ? 0 : sizeof(hfy_real) == 4 ? -3e-45 : -tiny[i % 4]);
    whole(&want, 1);
    sharded(&rng, 7, 100, &got, 1);
    if (!CHECK(want.first == HFY_OK && same(&want, &got)))
      printf("    steep %u: %u %u\n", (unsigned)round, (unsigned)want.support[0], (unsigned)got.support[0]);
  }
}

/* A null pattern's score that is beyond hfy_real or below it once divided by beta; no slice knows of it. */
TEST(margins_with_any_null_pattern) {
  static const double null[] = {1e38, -1e38, 1e-44, 3e38};
  hfy_rng rng = hfy_rng_seed(25);
  size_t round;
  for (round = 0; round < 4 * 11; round++) {
    answer want, got;
    block b;
    make(round, 20, 3, 4);
    use_margin((int)(round % 11));
    f.net.beta = round % 3 ? 10 : 1e-3, f.net.bias = f.bias, f.net.bias_stride = 20;
    if (round % 2) f.keys[5] = (hfy_real)1e38, f.queries[0] = f.queries[3] = 1;
    b = gather(&rng, 3, 20);
    f.net.null_pattern = 1, f.net.null_score = null[round / 11];
    whole(&want, 1);
    finish(&b, &got, 1);
    if (!CHECK(same(&want, &got))) printf("    round %u\n", (unsigned)round);
    free(b.memory);
  }
}

TEST(margins_default_capacity) {
  make(5, 300, 9, 5);
  f.net.beta = 4;
  CHECK(all_margins_agree(16, 0));
}

TEST(margins_ties_and_adversaries) {
  hfy_rng rng = hfy_rng_seed(20);
  size_t i, kind;
  for (kind = 0; kind < 8; kind++) {
    make(30 + kind, 250, 6, 4);
    for (i = 0; i < 250 * 6; i++) {
      size_t row = i / 6, d = i % 6;
      double v = 0;
      switch (kind) {
      case 0: v = (double)below(&rng, 3) - 1; break;                                 /* many equal scores */
      case 1: v = d == 0; break;                                                     /* all equal */
      case 2: v = d ? 0 : (double)row / 64; break;                                   /* ascending */
      case 3: v = d ? 0 : -(double)row / 64; break;                                  /* descending */
      case 4: v = d ? 0 : row == 77 ? 1e6 : (double)(row % 5) / 4; break;            /* one outlier */
      case 5: v = row % 3 ? (double)f.keys[i] : (double)f.keys[d]; break;            /* every third the same */
      case 6: v = 0; break;                                                          /* zero rows */
      default: v = d ? 0 : 3 + (double)(row % 7) * (row % 2 ? 1e-7 : 1e-15); break;  /* near ties */
      }
      f.keys[i] = (hfy_real)v;
    }
    for (i = 0; i < 4; i++) f.queries[i * 6] = (hfy_real)(i == 3 ? -1 : 1 + (double)i);
    CHECK(all_margins_agree(40 + kind, 250));
    f.net.beta = 1e-8;
    CHECK(all_margins_agree(50 + kind, 250));
    f.net.beta = 1e6;
    f.net.values = f.values;
    CHECK(all_margins_agree(60 + kind, 250));
  }
}

TEST(margins_all_of_a_net) {
  static const hfy_sim sims[] = {HFY_SIM_DOT, HFY_SIM_COSINE, HFY_SIM_EUCLIDEAN, HFY_SIM_MANHATTAN};
  size_t i, s;
  for (s = 0; s < 4; s++) {
    make(70 + s, 120, 11, 7);
    f.net.sim = sims[s];
    f.net.beta = s == 1 ? 9 : 0.7;
    CHECK(all_margins_agree(80 + s, 120));
    f.net.values = f.values;
    f.net.bias = f.bias;
    f.net.bias_stride = 120;
    for (i = 0; i < 7 * 120; i += 1 + i % 3) f.bias[i] = (hfy_real)-HUGE_VAL;
    f.net.self_coupling = f.self_coupling;
    f.net.step = 0.4;
    f.net.post.kind = HFY_POST_SIGN;
    CHECK(all_margins_agree(90 + s, 120));
    f.net.visible = f.visible;
    f.net.post.kind = HFY_POST_L2;
    f.net.bias_stride = 0;
    CHECK(all_margins_agree(100 + s, 120));
    f.net.readout = f.readout;
    f.net.readout_dim = 17;
    f.net.readout_stride = 19;
    CHECK(all_margins_agree(110 + s, 120));
    f.net.key_stride = 12;
    f.net.value_stride = 13;
    f.net.count = 100;
    f.net.bias = NULL;
    CHECK(all_margins_agree(120 + s, 120));
  }
}

/* Slices with an index give the bits of the whole without one. */
TEST(margins_with_an_index) {
  size_t i;
  with_index = 1;
  make(130, 300, 33, 20);
  f.net.beta = 0.2;
  CHECK(all_margins_agree(131, 300));
  make(133, 400, 33, 6);
  for (i = 0; i < 400 * 33; i++) f.keys[i] = (hfy_real)floor((double)f.keys[i] * 2); /* ties */
  f.net.bias = f.bias;
  f.net.bias_stride = 400;
  for (i = 0; i < 6 * 400; i += 1 + i % 3) f.bias[i] = (hfy_real)-HUGE_VAL;
  f.net.visible = f.visible;
  f.net.values = f.values;
  CHECK(all_margins_agree(132, 400));
  with_index = 0;
}

/* Weights of 0 are never the heaviest, though their scores are the best; nor are those that hfy_real does not hold. */
TEST(the_heaviest_of_powers) {
  static const hfy_real keys[2][4] = {{-2, 0, -1, -2}, {(hfy_real)0.25, (hfy_real)0.5, (hfy_real)0.5, -1}};
  static const struct {
    hfy_sep_kind kind;
    double degree;
    size_t keys, best;
  } asks[] = {{HFY_SEP_IDENTITY, 0, 0, 2}, {HFY_SEP_POWER, 5, 0, 2}, {HFY_SEP_RECTIFIED, 5, 0, 0},
              {HFY_SEP_RECTIFIED, 5, 1, 1}, {HFY_SEP_RECTIFIED, 3000, 1, 0}, {HFY_SEP_POWER, 3000, 1, 3}};
  const hfy_real q[1] = {1};
  size_t i, cut, way, best;
  double half[2][40];
  hfy_report report;
  memset(&report, 0, sizeof report);
  report.best = &best;
  for (i = 0; i < sizeof asks / sizeof *asks; i++)
    for (cut = 0; cut < 5; cut++)
      for (way = 0; way < 2; way++) {
        hfy_net net, slice;
        hfy_real out[1];
        memset(&net, 0, sizeof net);
        net.dim = 1, net.count = 4, net.keys = keys[asks[i].keys], net.beta = 1;
        net.sep.kind = asks[i].kind, net.sep.degree = asks[i].degree;
        CHECK(hfy_retrieve(&net, q, 1, out, &report, &work) == HFY_OK && best == asks[i].best);
        slice = net, slice.count = cut;
        CHECK(hfy_shard_find(&slice, 0, q, 1, 0, half[0], sizeof half[0], &work) == HFY_OK);
        slice.keys += cut, slice.count = 4 - cut;
        CHECK(hfy_shard_find(&slice, cut, q, 1, 0, half[1], sizeof half[1], &work) == HFY_OK);
        CHECK(hfy_shard_merge(half[way], sizeof *half, half[1 - way], sizeof *half, &work) == HFY_OK);
        CHECK(hfy_shard_finish(&net, q, 1, half[way], sizeof *half, out, &report, &work) == HFY_OK);
        CHECK(best == asks[i].best);
      }
}

/* Powers of one sign: the heaviest is none where no score is above 0; of even ones a partial does not know it. */
TEST(sums_of_rectified_and_even_powers) {
  hfy_rng rng = hfy_rng_seed(150);
  hfy_real want[MAX_B * 3], got[MAX_B * 3];
  size_t best[2][MAX_B], i, s, k;
  hfy_report report;
  memset(&report, 0, sizeof report);
  for (k = 0; k < 2; k++)
    for (s = 0; s < 4; s++) {
      block b;
      make(151 + s, 80, 3, 5);
      f.net.sep.kind = k ? HFY_SEP_EVEN : HFY_SEP_RECTIFIED;
      f.net.bias = f.bias;
      for (i = 0; i < 80; i++) f.bias[i] = (hfy_real)(i % 2 ? 0 : -3);
      for (i = 0; i < 3; i++) f.queries[3 + i] = 0;
      for (i = 0; i < 80 && !k; i++) f.bias[i] -= 4; /* most scores are below 0 */
      b = gather(&rng, shard_counts[s], 1);
      report.best = best[0];
      CHECK(hfy_retrieve(&f.net, f.queries, 5, want, &report, &work) == HFY_OK);
      report.best = k ? NULL : best[1];
      CHECK(hfy_shard_finish(&f.net, f.queries, 5, b.at, b.room, got, &report, &work) == HFY_OK);
      for (i = 0; i < 15; i++) CHECK_NEAR(got[i], want[i], 100 * REAL_EPS);
      for (i = 0; i < 5 && !k; i++) CHECK(best[0][i] == best[1][i]);
      if (!k) CHECK(best[1][1] == 0 && got[3] == 0);
      report.best = best[1];
      if (k)
        CHECK_FAILS(hfy_shard_finish(&f.net, f.queries, 5, b.at, b.room, got, &report, &work), HFY_ERR_UNSUPPORTED,
                    &work, "report->best is set");
      f.net.sep.degree = 4; /* another separation */
      report.best = NULL;
      CHECK_FAILS(hfy_shard_finish(&f.net, f.queries, 5, b.at, b.room, got, &report, &work), HFY_ERR_ARG, &work,
                  "another sim, beta or separation");
      free(b.memory);
    }
}

/* Softmax over slices: the null pattern joins once, at the end; queries that see nothing but it have an answer. */
TEST(sums_with_a_null_pattern) {
  static const double scores[] = {0, 1.5, -800, 800, -3};
  hfy_rng rng = hfy_rng_seed(140);
  answer want, got;
  size_t i, s;
  for (s = 0; s < COUNT(scores); s++) {
    make(141 + s, 200, 7, 6);
    f.net.null_pattern = 1;
    f.net.null_score = scores[s];
    f.net.visible = f.visible;
    f.visible[2] = 0;
    if (s == 4) f.net.readout = f.readout, f.net.readout_dim = 5;
    whole(&want, 0);
    sharded(&rng, 1 + s, 1, &got, 0);
    CHECK(want.first == HFY_OK && got.first == HFY_OK);
    for (i = 0; i < 6 * (s == 4 ? 5u : 7u); i++) CHECK_NEAR(got.out[i], want.out[i], 40 * REAL_EPS);
    for (i = 0; i < 6; i++) {
      CHECK_NEAR(got.null_weight[i], want.null_weight[i], 40 * REAL_EPS);
      CHECK(got.best[i] == want.best[i] && same_bits(got.best_score + i, want.best_score + i, sizeof *got.best_score));
    }
    CHECK(got.null_weight[2] == 1 && want.null_weight[2] == 1 && got.best[2] == 0);
    for (i = 0; i < 5; i++) {
      const hfy_real none = got.out[2 * (s == 4 ? 5u : 7u) + i];
      CHECK(none == 0 && !signbit(none));
    }
    CHECK(s == 3 ? want.null_weight[0] == 1 && (double)want.best_score[0] < -1e30 : want.null_weight[0] < 1);
  }
}

/* The bits of a query's candidates depend neither on its batch nor on the run. */
TEST(batches_and_runs) {
  hfy_rng rng = hfy_rng_seed(3);
  answer all, one;
  block a, b;
  hfy_real keep[MAX_B * MAX_D];
  size_t j;
  make(6, 200, 9, 8);
  use_margin(0);
  a = gather(&rng, 3, 200);
  b = find(&rng, 0, 200, 200);
  finish(&a, &all, 1);
  finish(&b, &one, 1);
  CHECK(same(&all, &one));
  {
    block again = find(&rng, 0, 200, 200);
    CHECK(hfy_shard_used(b.at, b.room) == hfy_shard_used(again.at, again.room));
    CHECK(memcmp(b.at, again.at, hfy_shard_used(b.at, b.room)) == 0); /* no byte is left to chance */
    CHECK(hfy_shard_used(a.at, a.room) == hfy_shard_used(b.at, b.room));
    CHECK(memcmp(b.at, a.at, hfy_shard_used(b.at, b.room)) == 0); /* merged parts are the whole */
    free(again.memory);
  }
  free(a.memory), free(b.memory);
  memcpy(keep, f.queries, sizeof keep);
  f.B = 1;
  for (j = 0; j < 8; j++) {
    memcpy(f.queries, keep + j * 9, 9 * sizeof *keep);
    sharded(&rng, 2, 200, &one, 1);
    CHECK(memcmp(one.out, all.out + j * 9, 9 * sizeof *keep) == 0);
    CHECK(one.best[0] == all.best[j] && one.support[0] == all.support[j]);
  }
}

/* Candidates in the whole, by brute force. */
static size_t count_candidates(size_t j) {
  static hfy_real theta[MAX_N];
  double bar = -HUGE_VAL, margin = hfy_sep_margin(&f.net.sep);
  size_t i, l, n = f.net.count, k = 1, count = 0;
  if (f.net.sep.kind == HFY_SEP_ARGMAX || f.net.sep.kind == HFY_SEP_KSUBSETS)
    k = (size_t)ceil(f.net.sep.k > 0 ? f.net.sep.k : 1);
  if (f.net.sep.kind == HFY_SEP_KSUBSETS) margin = f.net.sep.rho > 0 ? f.net.sep.rho : 1; /* fractional k has none */
  CHECK(!hfy_sim_scores(f.net.sim, f.net.beta, f.keys, n, f.net.dim, 0, f.queries + j * f.net.dim, 1, theta, NULL));
  for (i = 0; i < n; i++) {
    size_t above = 0, equal = 0;
    for (l = 0; l < n; l++) {
      above += theta[l] > theta[i];
      equal += theta[l] == theta[i];
    }
    if (above < k && above + equal >= k) bar = (double)theta[i];
  }
  for (i = 0; i < n; i++) count += bar - (double)theta[i] < margin || (double)theta[i] >= bar;
  return f.net.sep.kind == HFY_SEP_ARGMAX ? k : count; /* ties go to the lowest numbers */
}

/* A query fails for want of capacity exactly if the whole has more candidates than that, in whatever order: scores that get
   weight, or (ARGMAX, ties) that could. */
TEST(capacity_is_judged_in_the_whole) {
  static const size_t capacities[] = {1, 2, 3, 5, 9, 20};
  static const int kinds[] = {0, 1, 3, 4, 5, 10, 11, 13, 14};
  hfy_rng rng = hfy_rng_seed(4);
  answer want, got;
  int enough = 0, little = 0;
  size_t c, w, j, s, need;
  make(7, 90, 5, 6);
  for (j = 0; j < 90 * 5; j++) f.keys[j] = (hfy_real)floor((double)f.keys[j]); /* ties at many levels */
  for (j = 0; j < 3 * 5; j++) f.queries[j] = (hfy_real)floor((double)f.queries[j]);
  f.net.beta = 0.25;
  for (w = 0; w < sizeof kinds / sizeof *kinds; w++) {
    use_margin(kinds[w]);
    whole(&want, 1);
    for (c = 0; c < sizeof capacities / sizeof *capacities; c++)
      for (s = 0; s < 8; s++) {
        block b = gather(&rng, shard_counts[s % 4], capacities[c]);
        size_t most = 0, wrong = 0;
        need = hfy_shard_needed(b.at, b.room);
        finish(&b, &got, 1);
        free(b.memory);
        for (j = 0; j < f.B; j++) {
          size_t candidates = hfy_sep_margin(&f.net.sep) > 0 ? want.support[j] : count_candidates(j);
          int fails = candidates > capacities[c];
          if (candidates > most) most = candidates;
          fails ? little++ : enough++;
          wrong += got.status[j] != (fails ? HFY_ERR_NOMEM : HFY_OK);
          if (!fails) {
            wrong += memcmp(got.out + j * 5, want.out + j * 5, 5 * sizeof *got.out) != 0;
            wrong += got.best[j] != want.best[j] || got.support[j] != want.support[j];
          } else {
            size_t i;
            const unsigned char *row = (const unsigned char *)(got.out + j * 5);
            for (i = 0; i < 5 * sizeof *got.out; i++) wrong += row[i] != 0x5A; /* untouched */
          }
        }
        CHECK(!wrong);
        CHECK(need >= most);
        CHECK(got.first == (most > capacities[c] ? HFY_ERR_NOMEM : HFY_OK));
        if (got.first) CHECK_CONTAINS(work.message, "more candidates than its partials' capacity");
        if (s) continue;
        sharded(&rng, 3, need, &got, 1);
        CHECK(same(&want, &got));
      }
  }
  CHECK(enough > 100 && little > 100); /* both happen */
}

/* A slice with too many candidates is saved by another whose best outdoes them; and one that is not says how many. */
TEST(capacity_saved_by_a_better_slice) {
  hfy_rng rng = hfy_rng_seed(5);
  block low, high;
  answer want, got;
  size_t i;
  make(8, 40, 1, 1);
  use_margin(0);
  for (i = 0; i < 40; i++) f.keys[i] = (hfy_real)(i < 30 ? 0.01 * (double)i : 5 + 0.6 * (double)(i - 30));
  f.queries[0] = 1;
  whole(&want, 1);
  low = find(&rng, 0, 30, 4);
  high = find(&rng, 30, 40, 4);
  CHECK(hfy_shard_needed(low.at, low.room) == 14); /* 0.01 (0 + 1 + .. + 13) is below 1 */
  CHECK(hfy_shard_needed(high.at, high.room) == 2);
  {
    hfy_net only = f.net;
    hfy_real out = 7;
    only.count = 30;
    CHECK_FAILS(hfy_shard_finish(&only, f.queries, 1, low.at, low.room, &out, NULL, &work), HFY_ERR_NOMEM, &work,
                "query 0 has more candidates than its partials' capacity; 14 would do");
    CHECK_EQ(out, 7);
  }
  merge(&rng, &low, &high);
  CHECK(hfy_shard_needed(low.at, low.room) == 2);
  finish(&low, &got, 1);
  CHECK(same(&want, &got));
  free(low.memory);
}

TEST(k_above_a_slice) {
  hfy_rng rng = hfy_rng_seed(6);
  answer want, got;
  make(9, 12, 3, 3);
  use_margin(14); /* the top 5, of slices shorter than that */
  f.net.sep.k = 11;
  whole(&want, 1);
  sharded(&rng, 7, 12, &got, 1);
  CHECK(same(&want, &got));
  use_margin(10);
  f.net.sep.k = 10.5;
  whole(&want, 1);
  sharded(&rng, 7, 12, &got, 1);
  CHECK(want.first == HFY_OK && same(&want, &got));
  f.net.bias = f.bias; /* k above what is not masked */
  memset(f.bias, 0, sizeof f.bias);
  f.bias[3] = f.bias[7] = (hfy_real)-HUGE_VAL;
  whole(&want, 1);
  sharded(&rng, 7, 12, &got, 1);
  CHECK(want.first == HFY_ERR_ARG && same(&want, &got));
}

/* More steps: finish, send, find again. */
TEST(several_steps) {
  hfy_rng rng = hfy_rng_seed(7);
  answer want, got;
  size_t t;
  make(10, 150, 8, 6);
  f.net.sep.kind = HFY_SEP_ENTMAX;
  f.net.step = 0.5;
  f.net.max_steps = 4;
  f.net.readout = f.readout;
  f.net.readout_dim = 5;
  CHECK(hfy_retrieve(&f.net, f.queries, f.B, want.out, NULL, &work) == HFY_OK);
  for (t = 0; t < 4; t++) {
    if (t < 3) {
      f.net.readout = NULL;
      f.net.readout_dim = 0;
    }
    if (t == 3) {
      f.net.readout = f.readout;
      f.net.readout_dim = 5;
    }
    sharded(&rng, 3, 150, &got, 0);
    CHECK(got.first == HFY_OK);
    if (t < 3) memcpy(f.queries, got.out, f.B * 8 * sizeof *got.out);
  }
  CHECK(memcmp(got.out, want.out, f.B * 5 * sizeof *got.out) == 0);
}

/* Sums: each entry within some eps of the sum of |weight| |row|, computed here. */
static void sums_agree(uint64_t seed, double eps_times) {
  static hfy_real theta[MAX_N];
  hfy_rng rng = hfy_rng_seed(seed);
  answer want, got;
  hfy_net net = f.net;
  size_t s, j, i, d, width = net.readout ? net.readout_dim : net.dim, turn;
  const hfy_real *rows = net.readout ? f.readout : net.values ? f.values : f.keys;
  whole(&want, 0);
  CHECK(want.first == HFY_OK);
  for (s = 0; s < 4; s++)
    for (turn = 0; turn < 3; turn++) {
      double worst = 0;
      sharded(&rng, shard_counts[s], turn, &got, 0);
      CHECK(got.first == HFY_OK);
      if (!s) CHECK(same(&want, &got)); /* one shard: nothing is merged */
      CHECK(memcmp(got.best, want.best, f.B * sizeof *got.best) == 0);
      for (j = 0; j < f.B; j++) {
        double top = -HUGE_VAL, sum = 0;
        CHECK(!hfy_sim_scores(net.sim, net.beta, f.keys, net.count, net.dim, 0, f.queries + j * net.dim, 1,
                              theta, NULL));
        for (i = 0; i < net.count; i++) top = (double)theta[i] > top ? (double)theta[i] : top;
        for (i = 0; i < net.count; i++) sum += exp((double)theta[i] - top);
        for (d = 0; d < width; d++) {
          double scale = 0, a = (double)got.out[j * width + d], b = (double)want.out[j * width + d];
          for (i = 0; i < net.count; i++) {
            double t = (double)theta[i], w = fabs(t);
            if (net.sep.kind == HFY_SEP_POWER) w = t * t; /* degree 3 */
            if (net.sep.kind == HFY_SEP_EXP) w = exp(t);
            if (net.sep.kind == HFY_SEP_SOFTMAX || net.sep.kind == HFY_SEP_ENTMAX) w = exp(t - top) / sum;
            scale += w * fabs((double)rows[i * width + d]);
          }
          if (fabs(a - b) > worst * scale) worst = fabs(a - b) / scale;
        }
      }
      CHECK_NEAR(worst / REAL_EPS, 0, eps_times);
    }
}

TEST(sums) {
  static const hfy_sep_kind kinds[] = {HFY_SEP_SOFTMAX, HFY_SEP_ENTMAX, HFY_SEP_IDENTITY, HFY_SEP_POWER, HFY_SEP_EXP};
  size_t k;
  for (k = 0; k < 5; k++) {
    make(200 + k, MAX_N, 5, 7);
    f.net.sep.kind = kinds[k];
    f.net.sep.alpha = 1; /* softmax by another name */
    f.net.beta = 0.5;
    sums_agree(210 + k, 30);
    f.net.values = f.values;
    sums_agree(220 + k, 30);
    f.net.readout = f.readout;
    f.net.readout_dim = 9;
    sums_agree(230 + k, 30);
    f.net.beta = kinds[k] == HFY_SEP_EXP ? 1 : 300;
    sums_agree(240 + k, 30);
  }
}

/* EXP far beyond the range of the numbers, where the post-transformation forgets the scale. */
TEST(sums_exp_beyond_range) {
  static const hfy_post_kind posts[] = {HFY_POST_SIGN, HFY_POST_L2, HFY_POST_TANH};
  hfy_rng rng = hfy_rng_seed(8);
  answer want, got;
  size_t p, s, i;
  for (p = 0; p < 3; p++) {
    make(250 + p, 200, 7, 5);
    f.net.sep.kind = HFY_SEP_EXP;
    f.net.beta = 500;
    f.net.post.kind = posts[p];
    f.net.self_coupling = f.self_coupling;
    whole(&want, 0);
    CHECK(want.first == HFY_OK);
    for (s = 0; s < 4; s++) {
      sharded(&rng, shard_counts[s], 0, &got, 0);
      CHECK(got.first == HFY_OK);
      for (i = 0; i < f.B * 7; i++) CHECK_NEAR(got.out[i], want.out[i], 20 * REAL_EPS);
    }
  }
}

/* Where a slice adds nothing, the others' rows stay to the bit; ties of the maximum go to the lowest number. */
TEST(sums_edges) {
  hfy_rng rng = hfy_rng_seed(9);
  answer want, got;
  size_t s, turn;
  make(260, 60, 4, 3);
  f.net.bias = f.bias;
  memset(f.bias, 0, sizeof f.bias);
  f.bias[41] = 5000; /* takes all the weight */
  f.keys[41 * 4 + 2] = (hfy_real)-0.0;
  for (s = 0; s < 4; s++) {
    whole(&want, 0);
    sharded(&rng, shard_counts[s], 0, &got, 0);
    CHECK(same(&want, &got) && got.best[2] == 41 && memcmp(got.out, f.keys + 41 * 4, 4 * sizeof *got.out) == 0);
  }
  f.bias[7] = 5000;
  memcpy(f.keys + 7 * 4, f.keys + 41 * 4, 4 * sizeof *f.keys);
  for (turn = 0; turn < 20; turn++) {
    sharded(&rng, 7, 0, &got, 0);
    CHECK(got.best[0] == 7 && got.best[1] == 7);
  }
  for (s = 0; s < 60; s++) f.bias[s] = (hfy_real)(s < 50 ? -HUGE_VAL : 0); /* whole slices are masked */
  whole(&want, 0);
  for (turn = 0; turn < 5; turn++) {
    sharded(&rng, 7, 0, &got, 0);
    CHECK(got.first == HFY_OK && got.best[1] == want.best[1] && got.best[1] >= 50);
    CHECK_NEAR(got.out[5], want.out[5], 8 * REAL_EPS);
  }
}

/* Errors of one query: its outputs stay untouched, the others are answered. */
TEST(errors_of_queries) {
  static const hfy_sep_kind kinds[] = {HFY_SEP_SPARSEMAX, HFY_SEP_SOFTMAX, HFY_SEP_ARGMAX, HFY_SEP_EXP,
                                       HFY_SEP_IDENTITY};
  hfy_rng rng = hfy_rng_seed(11);
  answer want, got;
  size_t k, s, turn;
  for (k = 0; k < 5; k++) {
    make(300 + k, 80, 4, 6);
    f.net.sep.kind = kinds[k];
    f.net.bias = f.bias;
    f.net.bias_stride = 80;
    memset(f.bias, 0, sizeof f.bias);
    f.net.visible = f.visible;
    for (s = 0; s < 6; s++) f.visible[s] = 80;
    f.queries[2 * 4 + 1] = not_a_number();
    for (s = 0; s < 80; s++) f.bias[3 * 80 + s] = (hfy_real)-HUGE_VAL; /* everything masked */
    f.visible[4] = 0;                                                  /* nothing visible */
    f.queries[5 * 4] = (hfy_real)-HUGE_VAL;
    whole(&want, 0);
    CHECK(want.first == HFY_ERR_NONFINITE && want.status[3] == HFY_ERR_ARG && want.status[4] == HFY_ERR_ARG);
    CHECK(want.status[5] == HFY_ERR_NONFINITE);
    for (turn = 0; turn < 8; turn++) {
      sharded(&rng, shard_counts[turn % 4], 0, &got, 0);
      CHECK(got.first == want.first);
      CHECK(memcmp(got.status, want.status, 6 * sizeof *got.status) == 0);
      CHECK_CONTAINS(work.message, "query 2");
      if (kinds[k] == HFY_SEP_SPARSEMAX || kinds[k] == HFY_SEP_ARGMAX) CHECK(same(&want, &got));
      CHECK(memcmp(got.out + 8, want.out + 8, 16 * sizeof *got.out) == 0); /* untouched: 2 .. 5 */
      CHECK_NEAR(got.out[0], want.out[0], 30 * REAL_EPS * 80);
    }
    f.keys[33 * 4] = not_a_number(); /* in one slice */
    whole(&want, 0);
    CHECK(want.status[0] == HFY_ERR_NONFINITE && want.status[4] == HFY_ERR_ARG);
    sharded(&rng, 7, 0, &got, 0);
    CHECK(same(&want, &got));
    for (s = 0; s < 6; s++) f.bias[s * 80 + 33] = (hfy_real)-HUGE_VAL; /* masked, whatever it holds */
    whole(&want, 0);
    CHECK(want.status[0] == HFY_OK);
    sharded(&rng, 7, 0, &got, 0);
    CHECK(memcmp(got.status, want.status, 6 * sizeof *got.status) == 0);
  }
  make(310, 20, 2, 1); /* POWER beyond the range, and a projection beyond it */
  f.net.sep.kind = HFY_SEP_POWER;
  f.net.sep.degree = 1000;
  f.keys[13] = 1e30f;
  whole(&want, 0);
  sharded(&rng, 3, 0, &got, 0);
  CHECK(want.first == HFY_ERR_UNSUPPORTED && same(&want, &got));
  f.net.sep.kind = HFY_SEP_EXP;
  f.net.beta = 1e4;
  f.keys[13] = 1;
  whole(&want, 0);
  sharded(&rng, 3, 0, &got, 0);
  CHECK(want.first == HFY_ERR_NONFINITE && same(&want, &got));
}

TEST(nothing_asked) {
  hfy_rng rng = hfy_rng_seed(12);
  hfy_net net;
  block a, b;
  make(320, 20, 3, 2);
  use_margin(0);
  f.B = 0;
  a = find(&rng, 0, 12, 0);
  b = find(&rng, 12, 20, 0);
  merge(&rng, &a, &b);
  net = f.net;
  CHECK(hfy_shard_finish(&net, NULL, 0, a.at, a.room, NULL, NULL, NULL) == HFY_OK);
  CHECK(hfy_shard_needed(a.at, a.room) == 0);
  free(a.memory);
  f.B = 2; /* out may be queries; NULL for work */
  a = find(&rng, 0, 20, 0);
  {
    hfy_real state[6], want[6];
    CHECK(hfy_retrieve(&net, f.queries, 2, want, NULL, NULL) == HFY_OK);
    memcpy(state, f.queries, sizeof state);
    CHECK(hfy_shard_finish(&net, state, 2, a.at, a.room, state, NULL, NULL) == HFY_OK);
    CHECK(memcmp(state, want, sizeof want) == 0);
  }
  free(a.memory);
}

TEST(sizes) {
  hfy_net net;
  hfy_sep more;
  double bound = 1;
  make(330, 20, 3, 2);
  use_margin(0);
  net = f.net;
  CHECK(hfy_shard_bytes(&net, 0, 5) == 160);
  CHECK(hfy_shard_bytes(&net, 7, 5) == 160 + 7 * (56 + 5 * (16 + (sizeof(hfy_real) == 4 ? 16 : 24))));
  CHECK(hfy_shard_bytes(&net, 7, 0) == hfy_shard_bytes(&net, 7, 64));
  net.readout_dim = 100; /* readout need not be there */
  CHECK(hfy_shard_bytes(&net, 7, 5) - hfy_shard_bytes(&net, 6, 5) == 56 + 5 * (16 + 100 * sizeof(hfy_real)));
  net = f.net;
  net.sep.kind = HFY_SEP_ARGMAX;
  net.sep.k = 1000;
  CHECK(hfy_shard_bytes(&net, 7, 0) == hfy_shard_bytes(&net, 7, 1064));
  net.sep.kind = HFY_SEP_SOFTMAX;
  CHECK(hfy_shard_bytes(&net, 7, 0) == hfy_shard_bytes(&net, 7, 1000));
  net = f.net;
  CHECK(hfy_shard_bytes(NULL, 1, 1) == SIZE_MAX);
  CHECK(hfy_shard_bytes(&net, SIZE_MAX / 2, 1) == SIZE_MAX);
  CHECK(hfy_shard_bytes(&net, 1, SIZE_MAX / 2) == SIZE_MAX);
  CHECK(hfy_shard_bytes(&net, 1000000, SIZE_MAX / 1000000) == SIZE_MAX);
  net.dim = SIZE_MAX;
  CHECK(hfy_shard_bytes(&net, 1, 1) == SIZE_MAX);
  net.dim = 0;
  CHECK(hfy_shard_bytes(&net, 1, 1) == SIZE_MAX);
  net = f.net;
  net.sep.kind = HFY_SEP_UNIFORM;
  CHECK(hfy_shard_bytes(&net, 1, 1) == SIZE_MAX);
  net.sep.kind = HFY_SEP_ENTMAX;
  net.sep.alpha = 0.9;
  CHECK(hfy_shard_bytes(&net, 1, 1) == SIZE_MAX);
  net = f.net;
  net.sep.upper = &bound;
  CHECK(hfy_shard_bytes(&net, 1, 1) == SIZE_MAX);
  net = f.net;
  more = net.sep;
  net.sep.plus = &more;
  CHECK(hfy_shard_bytes(&net, 1, 1) == SIZE_MAX);
}

static hfy_status find_into(const hfy_net *net, uint64_t first, unsigned char *at, size_t room) {
  return hfy_shard_find(net, first, f.queries, f.B, 8, at, room, &work);
}

TEST(bad_find) {
  static unsigned char room[20000], before[20000];
  hfy_net net;
  hfy_sep more;
  double bounds[20];
  size_t i, bytes;
  make(340, 20, 3, 2);
  use_margin(0);
  memset(room, 0x77, sizeof room);
  memcpy(before, room, sizeof room);
  for (i = 0; i < 20; i++) bounds[i] = 1;
  bytes = hfy_shard_bytes(&f.net, 2, 8);
#define BAD(change, status, words)                                                                                     \
  do {                                                                                                                 \
    net = f.net;                                                                                                       \
    change;                                                                                                            \
    CHECK_FAILS(find_into(&net, 0, room, bytes), status, &work, words);                                                \
  } while (0)
  CHECK_FAILS(find_into(NULL, 0, room, bytes), HFY_ERR_ARG, &work, "net is NULL");
  BAD(net.keys = NULL, HFY_ERR_ARG, "net->keys is NULL");
  BAD(net.dim = 0, HFY_ERR_ARG, "net->dim is 0");
  BAD(net.beta = -1, HFY_ERR_ARG, "net->beta is -1");
  BAD((net.count = 0, net.step = 2), HFY_ERR_ARG, "net->step is 2"); /* checked without patterns, too */
  BAD(net.readout_dim = 3, HFY_ERR_ARG, "net->readout is NULL, but readout_dim is 3");
  BAD(net.readout = f.readout, HFY_ERR_ARG, "net->readout_dim is 0");
  BAD((net.bias = f.bias, net.bias_stride = 3), HFY_ERR_ARG, "net->bias_stride is 3");
  BAD(net.sep.kind = HFY_SEP_UNIFORM, HFY_ERR_UNSUPPORTED, "HFY_SEP_UNIFORM");
  BAD((net.sep.kind = HFY_SEP_ENTMAX, net.sep.alpha = 0.5), HFY_ERR_UNSUPPORTED, "net->sep has no margin");
  BAD((net.sep.kind = HFY_SEP_ENTMAX, net.sep.alpha = -1), HFY_ERR_ARG, "net->sep.alpha is -1");
  BAD((net.sep.kind = HFY_SEP_KSUBSETS, net.sep.rho = 1.7976931348623157e308), HFY_ERR_UNSUPPORTED, "no margin");
  BAD((net.sep.kind = HFY_SEP_ARGMAX, net.sep.k = 2.5), HFY_ERR_ARG, "net->sep.k is 2.5");
  BAD(net.sep.upper = bounds, HFY_ERR_UNSUPPORTED, "net->sep has bounds");
  BAD((more = net.sep, net.sep.plus = &more), HFY_ERR_UNSUPPORTED, "net->sep.plus is set");
  BAD(net.betas = bounds, HFY_ERR_UNSUPPORTED, "net->betas is set");
  net = f.net;
  CHECK_FAILS(find_into(&net, 0, NULL, bytes), HFY_ERR_ARG, &work, "partial is NULL");
  CHECK_FAILS(find_into(&net, 0, room, bytes - 1), HFY_ERR_ARG, &work, "this partial needs room for");
  CHECK_FAILS(find_into(&net, UINT64_MAX - 19, room, bytes), HFY_ERR_ARG, &work, "first and net->count 20");
  CHECK_FAILS(hfy_shard_find(&net, 0, NULL, 2, 8, room, bytes, &work), HFY_ERR_ARG, &work, "queries is NULL");
  CHECK_FAILS(hfy_shard_find(&net, 0, f.queries, 2, SIZE_MAX / 3, room, bytes, &work), HFY_ERR_ARG, &work,
              "2 queries with a capacity of");
  CHECK_FAILS(hfy_shard_find(&net, 0, f.queries, SIZE_MAX / 3, 8, room, bytes, &work), HFY_ERR_ARG, &work,
              "cannot exist");
  {
    static double small[8];
    hfy_work mine;
    memset(&mine, 0, sizeof mine);
    mine.buffer = small;
    mine.capacity = sizeof small;
    CHECK_FAILS(hfy_shard_find(&net, 0, f.queries, 2, 8, room, bytes, &mine), HFY_ERR_NOMEM, &mine,
                "work->capacity is 64");
    mine.capacity = mine.peak;
    CHECK(memcmp(room, before, sizeof room) == 0); /* no error has written anything */
    mine.buffer = malloc(mine.capacity);
    CHECK(hfy_shard_find(&net, 0, f.queries, 2, 8, room, bytes, &mine) == HFY_OK);
    free(mine.buffer);
  }
  CHECK(find_into(&net, UINT64_MAX - 20, room, bytes) == HFY_OK); /* the last numbers there are */
#undef BAD
}

static hfy_status merge_with(const block *a, const block *b) {
  return hfy_shard_merge(a->at, a->room, b->at, b->room, &work);
}

TEST(bad_merge) {
  hfy_rng rng = hfy_rng_seed(13);
  block a, b, c;
  hfy_net other;
  unsigned char keep[8000];
  hfy_real old;
  size_t used;
  make(350, 20, 3, 2);
  use_margin(1);
  f.net.beta = 0.1;
  a = find(&rng, 0, 12, 30);
  b = find(&rng, 12, 20, 30);
  used = hfy_shard_used(b.at, b.room);
  CHECK(a.room < sizeof keep);
  memcpy(keep, a.at, a.room);
  CHECK_FAILS(hfy_shard_merge(NULL, a.room, b.at, b.room, &work), HFY_ERR_ARG, &work, "into is NULL");
  CHECK_FAILS(hfy_shard_merge(a.at, a.room, NULL, b.room, &work), HFY_ERR_ARG, &work, "from is NULL");
  CHECK_FAILS(merge_with(&a, &a), HFY_ERR_ARG, &work, "from is into");
  CHECK_FAILS(hfy_shard_merge(a.at, a.room - 1, b.at, b.room, &work), HFY_ERR_ARG, &work, "into needs room for");
  CHECK_FAILS(hfy_shard_merge(a.at, a.room, b.at, used - 1, &work), HFY_ERR_FORMAT, &work, "from has");
  CHECK_FAILS(hfy_shard_merge(a.at, a.room, b.at, 100, &work), HFY_ERR_FORMAT, &work,
              "from has 100 bytes; a partial has at least 160");
  c = find(&rng, 3, 5, 30);
  CHECK_FAILS(merge_with(&a, &c), HFY_ERR_ARG, &work, "both hold pattern");
  free(c.memory);
  other = f.net;
  f.net.beta = 0.2;
  c = find(&rng, 12, 20, 30);
  CHECK_FAILS(merge_with(&a, &c), HFY_ERR_ARG, &work, "another sim, beta or separation");
  free(c.memory);
  f.net = other;
  f.net.sep.alpha = 1.6;
  c = find(&rng, 12, 20, 30);
  CHECK_FAILS(merge_with(&a, &c), HFY_ERR_ARG, &work, "another sim, beta or separation");
  free(c.memory);
  f.net = other;
  f.net.sep.kind = HFY_SEP_SOFTMAX;
  c = find(&rng, 12, 20, 30);
  CHECK_FAILS(merge_with(&a, &c), HFY_ERR_ARG, &work, "another sim, beta or separation");
  free(c.memory);
  f.net = other;
  f.net.sep.gamma = 7; /* entmax does not look at it */
  c = find(&rng, 12, 20, 30);
  CHECK(hfy_shard_used(c.at, c.room) == used && memcmp(b.at, c.at, used) == 0);
  free(c.memory);
  f.net = other;
  f.net.readout = f.readout;
  f.net.readout_dim = 3;
  c = find(&rng, 12, 20, 30);
  CHECK_FAILS(merge_with(&a, &c), HFY_ERR_ARG, &work, "dim is 3, readout_dim 3; they should be 3 and 0");
  free(c.memory);
  f.net = other;
  f.B = 1;
  c = find(&rng, 12, 20, 30);
  CHECK_FAILS(merge_with(&a, &c), HFY_ERR_ARG, &work, "from is for 1 queries; it should be for 2");
  free(c.memory);
  f.B = 2;
  old = f.queries[5];
  f.queries[5] += (hfy_real)0.125;
  c = find(&rng, 12, 20, 30);
  f.queries[5] = old;
  CHECK_FAILS(merge_with(&a, &c), HFY_ERR_ARG, &work, "other queries");
  free(c.memory);
  {
    hfy_work mine;
    double small[2];
    memset(&mine, 0, sizeof mine);
    mine.buffer = small;
    mine.capacity = sizeof small;
    CHECK_FAILS(hfy_shard_merge(a.at, a.room, b.at, b.room, &mine), HFY_ERR_NOMEM, &mine, "work->capacity is 16");
  }
  CHECK(memcmp(keep, a.at, a.room) == 0); /* untouched all along */
  c = find(&rng, 12, 20, 3);              /* another capacity is no obstacle */
  CHECK(merge_with(&a, &c) == HFY_OK);
  free(a.memory), free(b.memory), free(c.memory);
}

/* The seal of a block that was changed on purpose; where only the public interface is linked it stays broken. */
static void reseal(unsigned char *at) {
#ifdef TEST_LINKED
  (void)at;
#else
  hfy_shard_head_ head;
  memcpy(&head, at, sizeof head);
  if (head.bytes < sizeof head) return;
  head.seal = hfy_shard_seal_(at, &head);
  memcpy(at, &head, sizeof head);
#endif
}

/* Blocks that are not what they were: cut off anywhere, in memory that ends there, or with any bit flipped. */
TEST(damaged_blocks) {
  hfy_rng rng = hfy_rng_seed(14);
  hfy_real out[MAX_B * MAX_D], none[MAX_B * MAX_D];
  size_t kind, at, used, half;
  memset(none, 0x5A, sizeof none);
  for (kind = 0; kind < 6; kind++) {
    block a, b, bad;
    make(360 + kind, 30, kind % 2 ? 3 : 4, 2);
    use_margin(kind == 1 ? 14 : 0);
    if (kind > 1) f.net.sep.kind = kind == 2 ? HFY_SEP_SOFTMAX : kind == 3 ? HFY_SEP_EXP : HFY_SEP_IDENTITY;
    if (kind == 5) f.B = 0;
    a = find(&rng, 0, 20, 6);
    b = find(&rng, 20, 30, 6);
    f.net.count = 0; /* whatever it covers */
    used = hfy_shard_used(b.at, b.room);
    bad = new_block(&rng, a.room);
    memcpy(out, none, sizeof out);
    for (at = 0; at < used; at++) {
      unsigned char *cut = (unsigned char *)malloc(at ? at : 1);
      memcpy(cut, b.at, at);
      CHECK(hfy_shard_merge(a.at, a.room, cut, at, &work) == HFY_ERR_FORMAT);
      CHECK(hfy_shard_finish(&f.net, f.queries, f.B, cut, at, out, NULL, &work) == HFY_ERR_FORMAT);
      CHECK(hfy_shard_used(cut, at) == 0 && hfy_shard_needed(cut, at) == 0);
      free(cut);
    }
    for (half = 0; half < 2; half++) /* of what is merged, and of what it is merged into */
      for (at = 0; at < 8 * used; at++) {
        memcpy(bad.at, b.at, b.room);
        bad.at[at / 8] = (unsigned char)(bad.at[at / 8] ^ 1u << at % 8);
        if (half)
          CHECK(hfy_shard_merge(bad.at, bad.room, a.at, a.room, &work) == HFY_ERR_FORMAT);
        else
          CHECK(hfy_shard_merge(a.at, a.room, bad.at, bad.room, &work) == HFY_ERR_FORMAT);
        CHECK(hfy_shard_finish(&f.net, f.queries, f.B, bad.at, bad.room, out, NULL, &work) == HFY_ERR_FORMAT);
        CHECK(hfy_shard_needed(bad.at, bad.room) == 0);
        bad.at[at / 8] = (unsigned char)(bad.at[at / 8] ^ 1u << at % 8);
        CHECK(memcmp(bad.at, b.at, used) == 0); /* untouched */
      }
    CHECK(memcmp(out, none, sizeof out) == 0);
    CHECK(hfy_shard_merge(a.at, a.room, b.at, used, &work) == HFY_OK);
    free(a.memory), free(b.memory), free(bad.memory);
  }
}

/* Blocks that somebody made up, seal and all: refused, or answered without harm. */
TEST(forged_blocks) {
  hfy_rng rng = hfy_rng_seed(17);
  hfy_real out[MAX_B * MAX_D];
  size_t kind, at, used, refused = 0, tried = 0, twice = 0, above = 0;
  make(360, 30, 3, 2);
  for (kind = 0; kind < 3; kind++) {
    block a, b, copy;
    hfy_net net;
    use_margin(kind == 1 ? 14 : 0);
    if (kind == 2) f.net.sep.kind = HFY_SEP_SOFTMAX;
    net = f.net;
    a = find(&rng, 0, 20, 6);
    b = find(&rng, 20, 30, 6);
    used = hfy_shard_used(b.at, b.room);
    copy = new_block(&rng, used);
    for (at = 0; at < used * 4; at++) {
      unsigned char change = (unsigned char)(1 + below(&rng, 255));
      block into = new_block(&rng, a.room);
      memcpy(into.at, a.at, a.room);
      memcpy(copy.at, b.at, used);
      copy.at[at % used] = (unsigned char)(copy.at[at % used] ^ change);
      if (hfy_shard_used(copy.at, used)) reseal(copy.at);
      tried++;
      if (hfy_shard_merge(into.at, into.room, copy.at, used, &work)) {
        refused++;
        CHECK(memcmp(into.at, a.at, a.room) == 0);
      } else {
        CHECK(hfy_shard_used(into.at, into.room) > 0);
        hfy_shard_finish(&net, f.queries, 2, into.at, into.room, out, NULL, &work);
      }
      hfy_shard_finish(&net, f.queries, 2, copy.at, used, out, NULL, &work);
      hfy_shard_needed(copy.at, used);
      free(into.memory);
    }
    memcpy(copy.at, b.at, used);
    copy.at[0] ^= 1;
    CHECK_FAILS(hfy_shard_merge(a.at, a.room, copy.at, used, &work), HFY_ERR_FORMAT, &work,
                "from is no partial of this kind of machine");
    CHECK_FAILS(hfy_shard_finish(&net, f.queries, 2, copy.at, used, out, NULL, &work), HFY_ERR_FORMAT, &work,
                "partial is no partial");
    copy.at[0] ^= 1; /* 4 and 8: the other precision */
    copy.at[8] ^= 12;
    CHECK_FAILS(hfy_shard_merge(a.at, a.room, copy.at, used, &work), HFY_ERR_FORMAT, &work,
                "another version or precision");
    copy.at[8] ^= 12;
    for (at = 24; at < 56; at += at < 40 ? 16 : 8) { /* NaN in the record of a query: lost, top or sum */
      unsigned char was[8], *number = copy.at + 160 + at;
      memcpy(was, number, 8), memset(number, 0xFF, 8);
      reseal(copy.at);
      CHECK_FAILS(hfy_shard_merge(a.at, a.room, copy.at, used, &work), HFY_ERR_FORMAT, &work, "from is a damaged partial");
      memcpy(number, was, 8);
    }
    reseal(copy.at);
    if (kind < 2) { /* the last score is NaN: it stands before a row of 3 */
      size_t row = sizeof(hfy_real) == 4 ? 16 : 24, entry = 16 + row;
      uint64_t count[2], half;
      block wide = find(&rng, 0, 30, 30);
      size_t all = hfy_shard_used(wide.at, wide.room);
      memset(copy.at + used - row - 8, 0xFF, 8);
      reseal(copy.at);
      CHECK_FAILS(hfy_shard_merge(a.at, a.room, copy.at, used, &work), HFY_ERR_FORMAT, &work,
                  "from is a damaged partial");
      for (at = 0; at < 2; at++) memcpy(count + at, wide.at + 160 + 56 * at + 8, 8);
      half = (count[0] + count[1] + 1) / 2;
      if (half < count[0] || half < count[1]) { /* a list is above the capacity, both together are not */
        memcpy(wide.at + 24, &half, 8);
        reseal(wide.at);
        CHECK_FAILS(hfy_shard_merge(a.at, a.room, wide.at, all, &work), HFY_ERR_FORMAT, &work, "damaged");
        half = 30;
        memcpy(wide.at + 24, &half, 8);
        above++;
      }
      if (count[1] > 1) { /* a number stands twice in a list */
        memcpy(wide.at + all - entry, wide.at + all - 2 * entry, 8);
        reseal(wide.at);
        CHECK_FAILS(hfy_shard_merge(a.at, a.room, wide.at, all, &work), HFY_ERR_FORMAT, &work, "damaged");
        twice++;
      }
      free(wide.memory);
    }
    free(copy.memory), free(a.memory), free(b.memory);
  }
  CHECK(refused > tried / 4);
  CHECK(twice > 0 && above > 0);
}

/* Patterns whose numbers take more than 32 bits: told where a size_t holds them, else refused by name. */
TEST(numbers_beyond_32_bits) {
  static const int margins[] = {0, 14, -1};
  const uint64_t first = (UINT64_C(1) << 32) + 7;
  const int fits = (uint64_t)(size_t)first == first;
  hfy_rng rng = hfy_rng_seed(18);
  size_t k, asked;
  for (k = 0; k < 3; k++) {
    answer want, got;
    block a;
    make(365 + k, 20, 3, 2);
    if (k < 2) use_margin(margins[k]);
    whole(&want, k < 2);
    a = new_block(&rng, hfy_shard_bytes(&f.net, 2, 0));
    CHECK(hfy_shard_find(&f.net, first, f.queries, 2, 0, a.at, a.room, &work) == HFY_OK);
    f.net.count = 0;
    for (asked = 0; asked < (k < 2 ? 3 : 2); asked++) { /* neither, best, top_index */
      const hfy_status expected = asked && !fits ? HFY_ERR_UNSUPPORTED : HFY_OK;
      hfy_report report;
      ask(&report, &got, k < 2);
      if (asked != 1) report.best = NULL;
      if (asked != 2) report.top_index = NULL;
      CHECK(hfy_shard_finish(&f.net, f.queries, 2, a.at, a.room, got.out, &report, &work) == expected);
      if (expected) CHECK_CONTAINS(work.message, asked == 1 ? "report->best is set" : "report->top_index is set");
      if (expected) continue;
      CHECK(memcmp(got.out, want.out, 6 * sizeof *got.out) == 0);
      if (asked == 1) CHECK((uint64_t)got.best[1] == first + want.best[1]);
      if (asked == 2) CHECK((uint64_t)got.top_index[TOP] == first + want.top_index[TOP]);
    }
    f.net.count = 20;
    f.net.visible = f.visible; /* in the whole: of this slice none */
    CHECK(hfy_shard_find(&f.net, first, f.queries, 2, 0, a.at, a.room, &work) == HFY_OK);
    f.net.count = 0;
    CHECK(hfy_shard_finish(&f.net, f.queries, 2, a.at, a.room, got.out, NULL, &work) == HFY_ERR_ARG);
    free(a.memory);
  }
}

TEST(bad_finish) {
  hfy_rng rng = hfy_rng_seed(15);
  hfy_real out[MAX_B * MAX_D];
  hfy_report report;
  hfy_net net;
  block a, b, c;
  double numbers[64];
  size_t sizes[64], i;
  make(370, 20, 3, 2);
  use_margin(0);
  f.net.beta = 0.1;
  a = find(&rng, 0, 12, 0);
  b = find(&rng, 12, 20, 0);
  c = find(&rng, 12, 20, 0);
  for (i = 0; i < 6; i++) out[i] = 7;
#define FINISH hfy_shard_finish(&net, f.queries, 2, a.at, a.room, out, &report, &work)
#define BAD(change, status, words)                                                                                     \
  do {                                                                                                                 \
    net = f.net;                                                                                                       \
    memset(&report, 0, sizeof report);                                                                                 \
    change;                                                                                                            \
    CHECK_FAILS(FINISH, status, &work, words);                                                                         \
  } while (0)
  /* one slice is missing; whoever says so (count 0) gets the answer of what is there */
  BAD((void)0, HFY_ERR_ARG, "partial covers 12 patterns; it should cover each of the 20 of the net once");
  net.count = 0;
  CHECK(FINISH == HFY_OK);
  for (i = 0; i < 6; i++) out[i] = 7;
  merge(&rng, &a, &b);
  net = f.net;
  CHECK(hfy_shard_finish(NULL, f.queries, 2, a.at, a.room, out, NULL, &work) == HFY_ERR_ARG);
  CHECK_FAILS(hfy_shard_finish(&net, NULL, 2, a.at, a.room, out, NULL, &work), HFY_ERR_ARG, &work, "queries is NULL");
  CHECK_FAILS(hfy_shard_finish(&net, f.queries, 2, NULL, 0, out, NULL, &work), HFY_ERR_ARG, &work, "partial is NULL");
  CHECK_FAILS(hfy_shard_finish(&net, f.queries, 2, a.at, a.room, NULL, NULL, &work), HFY_ERR_ARG, &work,
              "out is NULL");
  CHECK_FAILS(hfy_shard_finish(&net, f.queries, 1, a.at, a.room, out, NULL, &work), HFY_ERR_ARG, &work,
              "partial is for 2 queries; it should be for 1");
  CHECK_FAILS(hfy_shard_finish(&net, f.queries + 1, 2, a.at, a.room, out, NULL, &work), HFY_ERR_ARG, &work,
              "partial was made for other queries");
  BAD(net.count = 21, HFY_ERR_ARG, "it should cover each of the 21");
  BAD(net.dim = 4, HFY_ERR_ARG, "partial: dim is 3, readout_dim 0; they should be 4 and 0");
  BAD(net.readout_dim = 3, HFY_ERR_ARG, "they should be 3 and 3");
  BAD(net.beta = 0.2, HFY_ERR_ARG, "another sim, beta or separation");
  BAD(net.sim = HFY_SIM_COSINE, HFY_ERR_ARG, "another sim, beta or separation");
  BAD(net.sep.kind = HFY_SEP_ARGMAX, HFY_ERR_ARG, "another sim, beta or separation");
  BAD((net.sep.kind = HFY_SEP_ARGMAX, net.sep.k = 21), HFY_ERR_ARG, "net->sep.k is 21");
  BAD(net.step = -1, HFY_ERR_ARG, "net->step is -1");
  BAD((net.post.kind = HFY_POST_TANH, net.post.beta = -1), HFY_ERR_ARG, "net->post.beta");
  BAD(report.energy = numbers, HFY_ERR_UNSUPPORTED, "report->energy is set");
  BAD(report.weights = out, HFY_ERR_UNSUPPORTED, "report->weights is set");
  BAD((report.top_index = sizes, report.top = SIZE_MAX / 2), HFY_ERR_ARG, "report: arrays");
  for (i = 0; i < 6; i++) CHECK_EQ(out[i], 7);
  {
    hfy_work mine;
    double small[2];
    memset(&mine, 0, sizeof mine);
    mine.buffer = small;
    mine.capacity = sizeof small;
    net = f.net;
    CHECK_FAILS(hfy_shard_finish(&net, f.queries, 2, a.at, a.room, out, NULL, &mine), HFY_ERR_NOMEM, &mine,
                "work->capacity is 16");
  }
  memset(&report, 0, sizeof report);
  CHECK(FINISH == HFY_OK);
  free(a.memory), free(c.memory);
  f.net.readout = f.readout; /* with a readout */
  f.net.readout_dim = 2;
  a = find(&rng, 0, 20, 0);
  BAD(report.residual = numbers, HFY_ERR_UNSUPPORTED, "report->residual is set");
  BAD(net.readout_dim = 0, HFY_ERR_ARG, "they should be 3 and 0");
  CHECK_FAILS(hfy_shard_finish(&f.net, f.queries, 2, a.at, a.room, f.queries, NULL, &work), HFY_ERR_ARG, &work,
              "out is queries");
  free(a.memory);
  f.net.readout_dim = 0;
  f.net.readout = NULL;
  f.net.sep.kind = HFY_SEP_SOFTMAX;
  a = find(&rng, 0, 20, 0);
  BAD(report.support = sizes, HFY_ERR_UNSUPPORTED, "report->support is set");
  BAD(report.top_index = sizes, HFY_ERR_UNSUPPORTED, "report->top is set");
  free(a.memory);
#undef BAD
#undef FINISH
}

/* Sums do not know which patterns they hold, but the coverage does: twice one slice and another missing. */
TEST(coverage) {
  hfy_rng rng = hfy_rng_seed(16);
  hfy_real out[MAX_B * MAX_D];
  block a, b, c;
  make(380, 20, 3, 2);
  a = find(&rng, 0, 10, 0);
  b = find(&rng, 0, 10, 0);
  c = find(&rng, 10, 20, 0);
  CHECK(merge_with(&a, &b) == HFY_OK);
  CHECK_FAILS(hfy_shard_finish(&f.net, f.queries, 2, a.at, a.room, out, NULL, &work), HFY_ERR_ARG, &work,
              "partial covers 20 patterns; it should cover each of the 20 of the net once");
  CHECK(merge_with(&b, &c) == HFY_OK);
  CHECK(hfy_shard_finish(&f.net, f.queries, 2, b.at, b.room, out, NULL, &work) == HFY_OK);
  free(a.memory), free(b.memory), free(c.memory);
  a = find(&rng, 10, 20, 0); /* a slice with a wrong first number */
  {
    hfy_net slice = slice_of(0, 10);
    b = new_block(&rng, hfy_shard_bytes(&f.net, 2, 0));
    CHECK(hfy_shard_find(&slice, 5, f.queries, 2, 0, b.at, b.room, &work) == HFY_OK);
  }
  CHECK(merge_with(&a, &b) == HFY_OK);
  CHECK(hfy_shard_finish(&f.net, f.queries, 2, a.at, a.room, out, NULL, &work) == HFY_ERR_ARG);
  free(a.memory), free(b.memory);
}

/* Every instruction set of this machine, each with itself. */
TEST(instruction_sets) {
  int isa;
  for (isa = HFY_ISA_SCALAR; isa <= HFY_ISA_NEON; isa++) {
    hfy_work probe;
    hfy_real one = 1, two;
    memset(&probe, 0, sizeof probe);
    probe.isa = (hfy_isa)isa;
    if (hfy_sim_scores(HFY_SIM_DOT, 1, &one, 1, 1, 0, &one, 1, &two, &probe)) continue;
    hfy_work_free(&probe);
    work.isa = (hfy_isa)isa;
    make(400, 130, 37, 5);
    f.net.beta = 0.4;
    CHECK(all_margins_agree(401, 130));
  }
  work.isa = HFY_ISA_BEST;
}

/* A slice with a bias and one without are the whole with zeros, to the bit; scores beyond the range end at its end. */
TEST(biased_and_huge_slices) {
  enum { N = 40, HALF = 20 };
  hfy_rng rng = hfy_rng_seed(21);
  size_t t, i, bytes;
  for (t = 0; t < 60; t++) {
    hfy_real keys[N], values[N], bias[N], q = 1, whole = 0, parts = 0, score[2] = {0, 0}, top[2] = {0, 0};
    const int huge = t % 3 == 2;
    size_t best[2] = {0, 0}, index[2];
    hfy_report report;
    hfy_net net, slice;
    char *a, *b;
    memset(&net, 0, sizeof net), memset(&report, 0, sizeof report);
    for (i = 0; i < N; i++) {
      keys[i] = (hfy_real)((huge ? REAL_MAX / 4 : 3) * hfy_rng_uniform(&rng));
      values[i] = (hfy_real)hfy_rng_uniform(&rng);
      bias[i] = i < HALF && !huge ? (hfy_real)hfy_rng_uniform(&rng) : 0;
    }
    net.dim = 1, net.count = N, net.keys = keys, net.values = values, net.beta = huge ? 1e17 : 0.7, net.bias = bias;
    net.sep.kind = t % 2 ? HFY_SEP_ENTMAX : HFY_SEP_SPARSEMAX;
    report.best = best, report.best_score = score;
    report.top = 1, report.top_index = index, report.top_score = top;
    if (hfy_retrieve(&net, &q, 1, &whole, &report, NULL)) {
      CHECK(huge && sizeof(hfy_real) == sizeof(double)); /* beta s is more than there is */
      continue;
    }
    net.bias = NULL;
    bytes = hfy_shard_bytes(&net, 1, 0);
    a = (char *)malloc(bytes), b = (char *)malloc(bytes);
    slice = net, slice.count = HALF, slice.bias = bias;
    CHECK(hfy_shard_find(&slice, 0, &q, 1, 0, a, bytes, NULL) == HFY_OK);
    slice.bias = NULL, slice.keys = keys + HALF, slice.values = values + HALF;
    CHECK(hfy_shard_find(&slice, HALF, &q, 1, 0, b, bytes, NULL) == HFY_OK);
    CHECK(hfy_shard_merge(a, bytes, b, hfy_shard_used(b, bytes), NULL) == HFY_OK);
    report.best++, report.best_score++, report.top_index++, report.top_score++;
    CHECK(hfy_shard_finish(&net, &q, 1, a, bytes, &parts, &report, NULL) == HFY_OK);
    CHECK(same_bits(&whole, &parts, sizeof q) && same_bits(score, score + 1, sizeof q) && same_bits(top, top + 1, sizeof q));
    CHECK(best[0] == best[1] && index[0] == index[1] && (!huge || fabs((double)score[0]) <= REAL_MAX));
    free(a), free(b);
  }
}

int main(int argc, char **argv) {
  CHECK_BEGIN(argc, argv);
  RUN(margins_random);
  RUN(margins_at_the_edge);
  RUN(margins_with_any_null_pattern);
  RUN(margins_default_capacity);
  RUN(margins_ties_and_adversaries);
  RUN(margins_all_of_a_net);
  RUN(margins_with_an_index);
  RUN(sums_with_a_null_pattern);
  RUN(sums_of_rectified_and_even_powers);
  RUN(the_heaviest_of_powers);
  RUN(batches_and_runs);
  RUN(capacity_is_judged_in_the_whole);
  RUN(capacity_saved_by_a_better_slice);
  RUN(k_above_a_slice);
  RUN(several_steps);
  RUN(sums);
  RUN(sums_exp_beyond_range);
  RUN(sums_edges);
  RUN(errors_of_queries);
  RUN(nothing_asked);
  RUN(sizes);
  RUN(bad_find);
  RUN(bad_merge);
  RUN(damaged_blocks);
  RUN(forged_blocks);
  RUN(numbers_beyond_32_bits);
  RUN(bad_finish);
  RUN(coverage);
  RUN(biased_and_huge_slices);
  RUN(instruction_sets);
  hfy_work_free(&work);
  return CHECK_END();
}
