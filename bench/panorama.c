/* panorama.c: the exact pruned flat search that FAISS calls Panorama, written from its published description (Ramani and others,
 * arXiv 2510.00566, October 2025), since Debian's FAISS is of 2022. Rows come rotated by their principal directions; they lie in
 * blocks of 512, inside a block level by level, with the norm of what is left behind each level. A level adds its part of the dot
 * to the rows that are still there; a row goes when that and |its rest| |the query's rest| cannot reach the kth best. The first
 * level, which all rows take, lies dimension by dimension; 64 queries share a block while it is in the cache.
 * Built twice: for this machine and, with AVX2 and FMA, for the comparison with that instruction set. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCK = 512, GROUP = 4 };

#ifdef __AVX512F__
enum { LANES = 16 };
typedef __m512 vec;
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define SET _mm512_set1_ps
#define FMA _mm512_fmadd_ps
#define ADD _mm512_add_ps
#define ZERO _mm512_setzero_ps
#define SUM _mm512_reduce_add_ps
#define REACH(a, b) (unsigned)_mm512_cmp_ps_mask(a, b, _CMP_GE_OQ)
#else
enum { LANES = 8 };
typedef __m256 vec;
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define SET _mm256_set1_ps
#define FMA _mm256_fmadd_ps
#define ADD _mm256_add_ps
#define ZERO _mm256_setzero_ps
#define REACH(a, b) (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ))
static inline float SUM(__m256 v) {
  __m128 a = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  a = _mm_add_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)));
}
#endif

enum { STRIP = 4 * LANES }; /* rows whose first level lies dimension by dimension */

typedef struct panorama {
  size_t n, dim, levels, width, blocks;
  float *data, *tail; /* block: level: dimension by dimension (the first) or row by row; block: level: row */
} panorama;

typedef struct query {
  const float *q;
  float *tail, *score; /* levels; a heap of the k best, the worst in front */
  int64_t *index;
  size_t k;
} query;

static size_t end_of(const panorama *p, size_t level) {
  const size_t end = (level + 1) * p->width;
  return end < p->dim ? end : p->dim;
}

static void tails(const panorama *p, const float *x, float *tail, size_t stride) {
  double left = 0;
  size_t l = p->levels, d = p->dim;
  while (l--) {
    for (; d > end_of(p, l); d--) left += (double)x[d - 1] * x[d - 1];
    tail[l * stride] = (float)sqrt(left) * (1 + 1e-6f);
  }
}

void panorama_free(panorama *p) {
  if (!p) return;
  free(p->data), free(p->tail), free(p);
}

/* Zeros in large pages, as the keys of every peer lie in them. */
static float *take(size_t n) {
  const size_t page = (size_t)2 << 20, bytes = (n * sizeof(float) + page - 1) / page * page;
  float *at = (float *)aligned_alloc(page, bytes);
#ifdef MADV_HUGEPAGE
  if (at) madvise(at, bytes, MADV_HUGEPAGE);
#endif
  return at ? (float *)memset(at, 0, bytes) : NULL;
}

panorama *panorama_new(const float *rows, size_t n, size_t dim, size_t levels) {
  panorama *p = (panorama *)calloc(1, sizeof *p);
  size_t i, d, l;
  if (!p) return NULL;
  p->n = n, p->dim = dim, p->width = (dim + levels - 1) / levels;
  p->levels = (dim + p->width - 1) / p->width, p->blocks = (n + BLOCK - 1) / BLOCK;
  p->data = take(p->blocks * BLOCK * dim);
  p->tail = take(p->blocks * BLOCK * p->levels);
  if (!p->data || !p->tail) return panorama_free(p), NULL;
  for (i = 0; i < n; i++) {
    const float *x = rows + i * dim;
    const size_t first = end_of(p, 0);
    for (d = 0; d < first; d++) p->data[i / STRIP * STRIP * first + d * STRIP + i % STRIP] = x[d];
    for (l = 1; l < p->levels; l++) {
      const size_t from = l * p->width, w = end_of(p, l) - from;
      memcpy(p->data + p->blocks * BLOCK * from + i * w, x + from, w * sizeof *x);
    }
    tails(p, x, p->tail + i / BLOCK * BLOCK * p->levels + i % BLOCK, BLOCK);
  }
  return p;
}

/* A better one into the heap. */
static void enter(query *q, float score, int64_t index) {
  size_t at = 0, child;
  for (; (child = 2 * at + 1) < q->k; at = child) {
    if (child + 1 < q->k && q->score[child + 1] < q->score[child]) child++;
    if (!(q->score[child] < score)) break;
    q->score[at] = q->score[child], q->index[at] = q->index[child];
  }
  q->score[at] = score, q->index[at] = index;
}

/* The first level of a block for up to GROUP queries. */
static inline void first(const panorama *p, size_t b, const query *q, size_t nq, float sum[GROUP][BLOCK]) {
  const size_t w = end_of(p, 0);
  size_t i, d, j;
  for (i = 0; i < BLOCK; i += STRIP) {
    const float *x = p->data + (b * BLOCK + i) * w;
    vec a[GROUP][4];
    for (j = 0; j < nq; j++) a[j][0] = a[j][1] = a[j][2] = a[j][3] = ZERO();
    for (d = 0; d < w; d++, x += STRIP) {
      const vec x0 = LOAD(x), x1 = LOAD(x + LANES), x2 = LOAD(x + 2 * LANES), x3 = LOAD(x + 3 * LANES);
      for (j = 0; j < nq; j++) {
        const vec v = SET(q[j].q[d]);
        a[j][0] = FMA(v, x0, a[j][0]), a[j][1] = FMA(v, x1, a[j][1]);
        a[j][2] = FMA(v, x2, a[j][2]), a[j][3] = FMA(v, x3, a[j][3]);
      }
    }
    for (j = 0; j < nq; j++)
      for (d = 0; d < 4; d++) STORE(sum[j] + i + d * LANES, a[j][d]);
  }
}

static inline float dot(const float *x, const float *y, size_t n) {
  vec a = ZERO(), b = ZERO();
  float more = 0;
  size_t d = 0;
  for (; d + 2 * LANES <= n; d += 2 * LANES) a = FMA(LOAD(x + d), LOAD(y + d), a), b = FMA(LOAD(x + d + LANES), LOAD(y + d + LANES), b);
  for (; d + LANES <= n; d += LANES) a = FMA(LOAD(x + d), LOAD(y + d), a);
  for (; d < n; d++) more += x[d] * y[d];
  return SUM(ADD(a, b)) + more;
}

/* The other levels of a block for one query. */
static void others(const panorama *p, size_t b, query *q, float *sum) {
  const size_t count = p->n - b * BLOCK < BLOCK ? p->n - b * BLOCK : BLOCK;
  const float *tail = p->tail + b * BLOCK * p->levels;
  const vec bar = SET(q->score[0]), rest = SET(q->tail[0]);
  uint32_t active[BLOCK];
  size_t i, d, m = 0, left, l;
  for (i = 0; i < count; i += LANES) {
    unsigned mask = REACH(FMA(LOAD(tail + i), rest, LOAD(sum + i)), bar);
    if (count - i < LANES) mask &= (1u << (count - i)) - 1;
    for (; mask; mask &= mask - 1) active[m++] = (uint32_t)i + (uint32_t)__builtin_ctz(mask);
  }
  for (l = 1; l < p->levels && m; l++, m = left) {
    const size_t from = l * p->width, w = end_of(p, l) - from, ahead = w < 64 ? 512 / w : 8;
    const float *level = p->data + p->blocks * BLOCK * from + b * BLOCK * w, *beyond = tail + l * BLOCK, far = q->tail[l], least = q->score[0];
    for (i = left = 0; i < m; i++) {
      const size_t row = active[i];
      if (i + ahead < m)
        for (d = 0; d < w; d += 16) __builtin_prefetch(level + active[i + ahead] * w + d);
      sum[row] += dot(level + row * w, q->q + from, w);
      active[left] = (uint32_t)row;
      left += sum[row] + beyond[row] * far >= least;
    }
  }
  for (i = 0; i < m; i++)
    if (sum[active[i]] > q->score[0]) enter(q, sum[active[i]], (int64_t)(b * BLOCK + active[i]));
}

/* The k best of each query (nq x dim, rotated): scores and rows, in the order of a heap. 0, or out of memory. */
int panorama_search(const panorama *p, const float *queries, size_t nq, size_t k, float *score, int64_t *index) {
  float sum[GROUP][BLOCK], *tail = (float *)malloc(nq * p->levels * sizeof *tail);
  query *q = (query *)malloc(nq * sizeof *q);
  size_t i, j, b, n;
  for (i = 0; i < nq * k; i++) score[i] = -HUGE_VALF, index[i] = -1;
  for (j = 0; j < nq && q && tail; j++) {
    q[j] = (query){queries + j * p->dim, tail + j * p->levels, score + j * k, index + j * k, k};
    tails(p, q[j].q, q[j].tail, 1);
  }
  for (b = 0; b < p->blocks && q && tail; b++)
    for (j = 0; j < nq; j += n) {
      n = nq - j < GROUP ? 1 : GROUP;
      if (n == GROUP) first(p, b, q + j, GROUP, sum);
      else first(p, b, q + j, 1, sum);
      for (i = 0; i < n; i++) others(p, b, q + j + i, sum[i]);
    }
  i = !q || !tail;
  free(q), free(tail);
  return (int)i;
}
