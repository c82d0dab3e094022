/* mpi_recall.c: one memory spread over several processes or machines, with MPI.

   Every rank maps its slice of one .npy file of patterns into memory and finds what that slice has to say to a batch of
   queries (hfy_shard_find). The partials are merged two by two up a tree (hfy_shard_merge), so that only a few rows
   travel, never the patterns; rank 0 finishes and sends the new states out for the next step. With sparsemax the answer
   is that of one machine to the bit, which rank 0 checks; with softmax up to rounding.

     mpirun -np 4 mpi_recall patterns.npy      a file that is not there yet is written first: a demonstration

   The file: 2 axes, row-major, hfy_real in this machine's byte order. POSIX (mmap) and MPI; see docs/scaling.md. */
#define _POSIX_C_SOURCE 200112L
#include "../hfy.h"

#include <fcntl.h>
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEMO_COUNT = 20000, DEMO_DIM = 64, QUERIES = 32, STEPS = 2 };

static int rank, ranks, passed, failed;
static hfy_work work; /* scratch and the last message */

static void stop(const char *what, const char *why) {
  fprintf(stderr, "mpi_recall, rank %d: %s: %s\n", rank, what, why);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static void stop_on(hfy_status status) {
  if (status) stop(hfy_status_text(status), work.message);
}

static void *reserve(size_t bytes) {
  void *memory = malloc(bytes);
  if (!memory) stop("malloc", "no memory");
  return memory;
}

static void result(int ok, const char *what) {
  printf("  %-4s %s\n", ok ? "ok" : "FAIL", what);
  ok ? passed++ : failed++;
}

/* Random patterns of unit length. */
static void write_demo(const char *path) {
  size_t shape[2] = {DEMO_COUNT, DEMO_DIM}, i, d;
  hfy_real *x = (hfy_real *)reserve(sizeof *x * DEMO_COUNT * DEMO_DIM);
  hfy_rng rng = hfy_rng_seed(1);
  for (i = 0; i < DEMO_COUNT; i++) {
    double row[DEMO_DIM], square = 0;
    for (d = 0; d < DEMO_DIM; d++) row[d] = hfy_rng_normal(&rng), square += row[d] * row[d];
    for (d = 0; d < DEMO_DIM; d++) x[i * DEMO_DIM + d] = (hfy_real)(row[d] / sqrt(square));
  }
  stop_on(hfy_file_npy_write(path, x, shape, 2, &work));
  free(x);
}

/* A file of patterns, rows first .. first+count-1 of it mapped. */
typedef struct mapped {
  hfy_npy info;
  size_t first, count;
  const hfy_real *rows;
  void *base;
  size_t length;
} mapped;

/* Reads the header and maps share `i` of `n` of the rows: pages are fetched when they are first read. */
static mapped map_share(const char *path, size_t i, size_t n) {
  mapped m;
  unsigned char header[4096];
  size_t share, rest, from, to, page = (size_t)sysconf(_SC_PAGESIZE);
  struct stat file_info;
  ssize_t got;
  int file = open(path, O_RDONLY);
  memset(&m, 0, sizeof m);
  if (file < 0 || fstat(file, &file_info)) stop(path, "cannot be opened");
  got = read(file, header, sizeof header);
  stop_on(hfy_file_npy_parse(header, got < 0 ? 0 : (size_t)got, &m.info, &work));
  if (m.info.rank != 2 || m.info.type != 'f' || m.info.item_size != sizeof(hfy_real) || m.info.swapped ||
      m.info.fortran || !m.info.count)
    stop(path, "should hold 2 axes, row-major, of hfy_real in this machine's byte order");
  if (m.info.shape[1] > INT_MAX / (QUERIES * sizeof(hfy_real))) stop(path, "its rows are too long for one message");
  if ((size_t)file_info.st_size < m.info.data_offset + m.info.count * sizeof(hfy_real)) stop(path, "is too short");
  share = m.info.shape[0] / n, rest = m.info.shape[0] % n;
  m.first = i * share + (i < rest ? i : rest);
  m.count = share + (i < rest);
  if (m.count) { /* a mapping begins at a page */
    from = m.info.data_offset + m.first * m.info.shape[1] * sizeof(hfy_real);
    to = from + m.count * m.info.shape[1] * sizeof(hfy_real);
    m.length = to - from / page * page;
    m.base = mmap(NULL, m.length, PROT_READ, MAP_PRIVATE, file, (off_t)(from / page * page));
    if (m.base == MAP_FAILED) stop(path, "cannot be mapped");
    m.rows = (const hfy_real *)(const void *)((const unsigned char *)m.base + from % page);
  }
  close(file);
  return m;
}

static void unmap(mapped *m) {
  if (m->base) munmap(m->base, m->length);
}

/* Merges the partials of all ranks into that of rank 0 in log2(ranks) rounds; only the bytes in use are sent. Returns
   how many bytes this rank has received. */
static size_t merge_all(void *partial, void *inbox, size_t bytes) {
  size_t received = 0;
  int bit;
  for (bit = 1; bit < ranks; bit *= 2) {
    MPI_Status status;
    int length;
    if (rank & bit) {
      size_t used = hfy_shard_used(partial, bytes);
      if (used > INT_MAX) stop("a partial", "is too long for one message: ask fewer queries at once");
      MPI_Send(partial, (int)used, MPI_BYTE, rank - bit, 0, MPI_COMM_WORLD);
      break;
    }
    if (rank + bit >= ranks) continue;
    MPI_Recv(inbox, bytes > INT_MAX ? INT_MAX : (int)bytes, MPI_BYTE, rank + bit, 0, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, MPI_BYTE, &length);
    stop_on(hfy_shard_merge(partial, bytes, inbox, (size_t)length, &work));
    received += (size_t)length;
  }
  return received;
}

/* Runs the queries `steps` steps over the slices of all ranks. out: on every rank. */
static void recall_together(const hfy_net *net, const mapped *slice, const hfy_real *queries, size_t n_queries,
                            size_t steps, hfy_real *out, size_t *received, size_t *needed) {
  hfy_net mine = *net;
  size_t t, width = n_queries * net->dim, bytes = hfy_shard_bytes(net, n_queries, 0);
  void *partial = reserve(bytes), *inbox = reserve(bytes);
  mine.count = slice->count;
  mine.keys = slice->rows;
  *received = 0;
  memcpy(out, queries, width * sizeof *out);
  for (t = 0; t < steps; t++) {
    stop_on(hfy_shard_find(&mine, slice->first, out, n_queries, 0, partial, bytes, &work));
    *received += merge_all(partial, inbox, bytes);
    *needed = hfy_shard_needed(partial, bytes);
    if (!rank) stop_on(hfy_shard_finish(net, out, n_queries, partial, bytes, out, NULL, &work));
    MPI_Bcast(out, (int)(width * sizeof *out), MPI_BYTE, 0, MPI_COMM_WORLD); /* the same bits everywhere */
  }
  free(partial), free(inbox);
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "mpi_recall.npy";
  const double eps = sizeof(hfy_real) == 4 ? 1.2e-7 : 2.3e-16;
  mapped slice, all;
  hfy_net net = {0};
  hfy_real *queries, *out, *alone;
  size_t which[QUERIES], dim, n, j, d, received, needed, right = 0;
  double worst = 0, largest = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (!rank && access(path, R_OK)) write_demo(path);
  MPI_Barrier(MPI_COMM_WORLD);

  slice = map_share(path, (size_t)rank, (size_t)ranks);
  dim = slice.info.shape[1], n = slice.info.shape[0];
  queries = (hfy_real *)reserve(3 * QUERIES * dim * sizeof *queries);
  out = queries + QUERIES * dim, alone = out + QUERIES * dim;
  all = map_share(path, 0, 1); /* only rank 0 reads it: to break some patterns, and to check */
  if (!rank) {
    hfy_rng rng = hfy_rng_seed(2);
    for (j = 0; j < QUERIES; j++) {
      const hfy_real *pattern;
      double scale = 0;
      which[j] = (size_t)(hfy_rng_u64(&rng) % n);
      pattern = all.rows + which[j] * dim;
      for (d = 0; d < dim; d++) scale += (double)pattern[d] * (double)pattern[d] / (double)dim;
      for (d = 0; d < dim; d++)
        queries[j * dim + d] = (hfy_real)((double)pattern[d] + 0.5 * sqrt(scale) * hfy_rng_normal(&rng));
    }
  }
  MPI_Bcast(queries, (int)(QUERIES * dim * sizeof *queries), MPI_BYTE, 0, MPI_COMM_WORLD);

  net.dim = dim, net.count = n;
  net.beta = 20;
  net.sep.kind = HFY_SEP_SPARSEMAX;
  recall_together(&net, &slice, queries, QUERIES, STEPS, out, &received, &needed);
  if (!rank) {
    printf("%lu patterns of %lu numbers on %d ranks, %d queries\n", (unsigned long)n, (unsigned long)dim, ranks,
           QUERIES);
    printf("sparsemax, %d steps: rank 0 received %lu bytes; candidates of a query in the last step: %lu\n", STEPS,
           (unsigned long)received, (unsigned long)needed);
    for (j = 0; j < QUERIES; j++)
      right += !memcmp(out + j * dim, all.rows + which[j] * dim, dim * sizeof *out);
    printf("  %lu of %d patterns came back to the bit\n", (unsigned long)right, QUERIES);
    net.keys = all.rows;
    net.max_steps = STEPS;
    stop_on(hfy_retrieve(&net, queries, QUERIES, alone, NULL, &work));
    result(!memcmp(alone, out, QUERIES * dim * sizeof *out), "the bits of one machine");
    result(right > QUERIES / 2, "most patterns are found");
  }

  net.sep.kind = HFY_SEP_SOFTMAX;
  net.max_steps = 1;
  recall_together(&net, &slice, queries, QUERIES, 1, out, &received, &needed);
  if (!rank) {
    printf("softmax, 1 step: rank 0 received %lu bytes\n", (unsigned long)received);
    stop_on(hfy_retrieve(&net, queries, QUERIES, alone, NULL, &work));
    for (j = 0; j < QUERIES * dim; j++) {
      double difference = fabs((double)alone[j] - (double)out[j]), size = fabs((double)queries[j]);
      if (difference > worst) worst = difference;
      if (size > largest) largest = size;
    }
    result(worst <= 50 * eps * largest, "one machine's answer up to rounding");
    printf("%d passed, %d failed\n", passed, failed);
  }
  unmap(&all), unmap(&slice);
  free(queries);
  hfy_work_free(&work);
  MPI_Finalize();
  return failed != 0;
}
