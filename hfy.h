/* hfy.h 0.1.0   associative memory in one C99 header: store patterns, hand it a broken one, get the whole one back
   SPDX-License-Identifier: MIT OR Unlicense   (your choice; both texts stand at the end of this file)

   DO THIS

       #define HFY_IMPLEMENTATION      in one source file only, before the include
       #include "hfy.h"

   and in every other source file the include alone. Link with -lm. There is nothing else to build, start or shut down.

   A COMPLETE PROGRAM          cc -std=c99 -O2 first.c -o first -lm && ./first

       #define HFY_IMPLEMENTATION
       #include "hfy.h"
       #include <stdio.h>

       int main(void)
       {
           const hfy_real stored[] = { 1, 1, 1, 1, -1, -1, -1, -1,
                                       1, -1, 1, -1, 1, -1, 1, -1,
                                       1, 1, -1, -1, 1, 1, -1, -1 };
           const hfy_real broken[] = { 1, 1, 1, 0, 0, 0, 0, 0 };
           hfy_real whole[8];
           hfy_net net = { .dim = 8, .count = 3, .keys = stored, .beta = 1, .sep.kind = HFY_SEP_SPARSEMAX };
           hfy_work work = { 0 };
           hfy_status status = hfy_retrieve(&net, broken, 1, whole, NULL, &work);
           if (status) fprintf(stderr, "%s: %s\n", hfy_status_text(status), work.message);
           for (int i = 0; !status && i < 8; i++) printf("%g ", (double)whole[i]);
           hfy_work_free(&work);
           return status != HFY_OK;
       }

   prints 1 1 1 1 -1 -1 -1 -1: the first row, to the bit.

   -----------------------------------------------------------------------------------------------------------------
   WHAT IT IS

   Every memory here is the same walk of a query through four rooms, again and again until the query stands still:

                    similarity                     separation       projection          post-transformation
       query q  ->  theta = beta sim(K, q) + bias  ->  p(theta)  ->  z = V^T p - c o q  ->  q' = post(z)  ->  again

   K: the keys, N patterns of length D. V: the values, used in every step (the keys unless given). c: self-coupling
   taken out (none unless given). A readout, N rows of any width, replaces the last projection when the answer lives
   in another space. A system is a few settings of that walk (members of hfy_net):

       system                                sim        sep.kind                  values, readout      post.kind
       modern Hopfield network, attention    DOT        SOFTMAX                   keys; readout V      NONE
       sparse modern Hopfield network        DOT        SPARSEMAX ENTMAX NORMMAX  keys; readout        NONE L2 LAYERNORM
       patterns recalled k at a time         DOT        KSUBSETS                  keys; readout        the same
       classical Hopfield network            DOT        IDENTITY                  keys; self_coupling  SIGN TANH
       pseudo-inverse (projection) rule      DOT        IDENTITY                  values               SIGN
       polynomial, exponential dense memory  DOT        POWER EXP                 keys                 SIGN TANH
       hetero-associative memory             DOT        any                       readout or values    any, LINEAR
       sum of energies                       DOT        any, and sep.plus         keys                 any
       universal Hopfield network            the rest   any                       any                  any
       kernel memory, p = e^(-g|x-q|^2)      EUCLIDEAN  EXP, beta = 2g            values               SIGN
       graded rate network *                 DOT        IDENTITY                  values; step < 1     RECTIFIED_POWER
       * its values come out of a training of their own, which this version leaves to you. The two rules' keys and
         values: hfy_binary_net; the kernel memory's: hfy_kernel_train, hfy_kernel_net

   A sparse separation has a margin m (hfy_sep_margin): once one pattern scores m or more above all others it takes
   all the weight, and the answer is that pattern to the bit.

   Three levels:  hfy_retrieve runs the whole walk for many queries at once;  hfy_sim_scores, hfy_sep_apply and
   hfy_post_apply are its stages;  a hfy_work with your own buffer makes either of them run without allocation.
   Learning: hfy_retrieve_vjp, hfy_sep_vjp and hfy_post_vjp are the reverse-mode derivatives. Energies: hfy_energy.
   Large memories: hfy_index_build prepares the keys once, and retrievals with a margin then read 4 to 40 times fewer
   bytes for the same bits; hfy_shard_find, _merge and _finish answer over patterns that lie in several places.

   -----------------------------------------------------------------------------------------------------------------
   CONFIGURATION   macros to define before the include; none is needed but the first

     "global" means: define it alike for every file that includes hfy.h. "implementation" means: it matters only in
     the file that has HFY_IMPLEMENTATION.

     macro                     default         where             what
     HFY_IMPLEMENTATION        not defined     one file          the bodies are compiled here
     HFY_API                   extern          global            what stands before every public function, such as
                                                                 __declspec(dllexport)
     HFY_STATIC                not defined     global            every function is static: each file that includes hfy.h
                                                                 defines HFY_IMPLEMENTATION and has a copy of its own.
                                                                 Not together with HFY_API
     HFY_DOUBLE                not defined     global            hfy_real is double instead of float; see PRECISION
     HFY_MALLOC(bytes),        malloc, free    implementation    the allocator of scratch memory, of any alignment;
     HFY_FREE(pointer)                                           both or neither
     HFY_NO_STDIO              not defined     global            no <stdio.h>: the three functions that open files
                                                                 (hfy_file_npy_info, _read, _write) go, .npy in memory
                                                                 (hfy_file_npy_parse, _decode, _header) stays
     HFY_CORE_ONLY             not defined     global            drops every room after `file`: in this version `shard`,
                                                                 `binary` and `kernel`
     HFY_FILE                  "hfy.h"         implementation    under which name hfy.h includes itself, once for each
                                                                 instruction set; define it if you renamed the file
     HFY_NO_SIMD               not defined     implementation    plain C kernels only, no intrinsics
     HFY_PARALLEL_FOR          not defined     implementation    your threads; see THREADS. Without it: OpenMP where the
     (n, body, context)                                          file is compiled for that (-fopenmp), else one thread
     HFY_WORKERS               8; OpenMP: its  implementation    how many tasks may run at once: an expression, taken
                               threads                           anew in each call. Scratch memory grows with it
     HFY_CBLAS                 not defined     implementation    matrix products by the BLAS of <cblas.h>
     HFY_SGEMM, HFY_DGEMM      not defined     implementation    or by functions of yours; arguments: see >>linalg.gemm.
                                                                 Today linalg, binary and kernel multiply matrices

     hfy.h itself defines HFY_VERSION ("0.1.0") and HFY_VERSION_NUMBER (major * 10000 + minor * 100 + patch).
     HFY_STATIC together with HFY_API, or one of HFY_MALLOC and HFY_FREE alone, stops the compiler with an #error.

   -----------------------------------------------------------------------------------------------------------------
   MEMORY

     A net is a plain struct that borrows your arrays. Zero members mean their documented defaults. No function keeps
     a pointer past its return, so there is nothing to free but a hfy_work. Scratch comes from the hfy_work that you
     pass. Zeroed, it allocates, grows when a call needs more and is reused by the next; hfy_work_free empties it.
     With `buffer` and `capacity` set by you it never allocates: every call works out its worst case first, and if
     that is more than capacity it returns HFY_ERR_NOMEM before writing anything, with `peak` saying how many bytes
     would do. NULL instead of a work: allocate for this call, free before returning. Sizes are size_t, and every
     product of sizes is checked before it is used.

   ERRORS

     Every function that can fail returns a hfy_status: HFY_OK is 0; hfy_status_text gives a few words for any of
     them; work->message names the argument, its value and what it should have been (empty after success, lost without
     a work). HFY_ERR_ARG, HFY_ERR_NOMEM and HFY_ERR_UNSUPPORTED about the call as a whole are found before anything
     is written. A single row or query that has no answer (NaN or +infinity in its scores, everything masked, bounds
     that cannot be met) leaves its own outputs untouched; all others are answered, the call returns the first such
     row's status and report.status has each. Stopping at max_steps is no error: report.residual tells how far the
     query still moves. Nothing prints, asserts or aborts.

   THREADS

     There are no globals and no locks. Nets, separations and arrays are only read, so any number of threads may share
     them; a hfy_work belongs to one thread at a time. To split a batch yourself give each thread its own rows of
     queries and out.
     Or let a call split its work: compile the implementation file with OpenMP, or define HFY_PARALLEL_FOR(n, body,
     context), which has to call body(context, i) once for every i below n (void (*body)(void *, size_t); any order, any
     threads) and to return when all are done. hfy_retrieve then shares out queries, or the patterns if queries are few.
     The bits of an answer depend neither on the split nor on the number of threads.

   PRECISION

     hfy_real is the type of patterns, queries and scores: float, or double with HFY_DOUBLE. Thresholds, norms,
     energies and losses are computed in double either way. HFY_DOUBLE renames every function and every type that
     holds hfy_real (hfy_retrieve becomes hfy_retrieve_d: the list is at >>precision), so files of different precision
     do not link by mistake, and one program may hold both: two files with HFY_IMPLEMENTATION, one of them with
     HFY_DOUBLE as well.

   ACCURACY AND DETERMINISM

     Scores are within 4 eps sqrt(D) beta |x||q| of the exact ones, eps that of hfy_real. Separations and
     post-transformations are, for the input they get, within a few units in the last place in float and within 1e-12 in
     double. Weights of 0 and of 1 are exact, and where p is one-hot the pattern is copied to the bit.
     A query's bits depend neither on the batch it came in, nor on threads, nor on the run: every dot product is summed
     in one fixed order, and projections add patterns in ascending order. They do depend on the instruction set (which
     hfy_simd_isa tells and work.isa forces), and in the last places on compiler, flags and libm. SOFTMAX and EXP are
     computed in another order when the report asks for weights, support, top or energies: equal up to rounding.
     Random numbers come only from a hfy_rng that you seed.
     Compile the implementation file without -ffast-math (or -Ofast, /fp:fast): masks and missing bounds are infinities,
     and exact bits rest on the order of sums and on the sign of zero. Nothing is promised under it.

   hfy.h DOES NOT

     - print, read the environment, keep global state, or start threads unasked
     - allocate anything but scratch; store, copy or own your patterns
     - choose beta, the separation or the number of steps for your data
     - approximate: what is left out (patterns beyond the margin, weights below rounding) cannot change the answer
     - train networks by gradient: it gives gradients and losses, the optimiser is yours (what has a convex training or
       a closed form is trained: hfy_kernel_train, hfy_binary_weights)
     - read images; .npy is the only file format
     - promise a binary interface between versions: compile it with your program

   -----------------------------------------------------------------------------------------------------------------
   CONTENTS   search for the tag; bodies stand at the tag with .impl after it, in the same order

     >>precision   every name that HFY_DOUBLE renames
     >>base        statuses, scratch memory, random numbers          >>base.impl
     >>simd        which instruction set runs                        >>simd.impl     the kernels
     >>linalg      symmetric eigenvalues, SVD, pseudo-inverse        >>linalg.impl   Cholesky factor, solves
                                                                     >>linalg.gemm   matrix products
                                                                     >>linalg.spectra.impl
     >>sim         similarities of queries and keys                  >>sim.impl
     >>index       a prepared memory: reads fewer bytes              >>index.impl
     >>sep         from scores to weights: separations               >>sep.impl
     >>post        post-transformations of the projection            >>post.impl
     >>net         the memory: retrieve, energies, gradients         >>net.impl
     >>file        .npy arrays in and out                            >>file.impl
     >>shard       one step over patterns in several places          >>shard.impl
     >>binary      memories of +1 and -1: Hebb, dense, bit by bit    >>binary.impl
     >>kernel      kernel memories: training, recall, landscape      >>kernel.impl

     A room calls only rooms above it. Public names are hfy_<room>_<verb> (the net's own: hfy_retrieve, hfy_energy);
     private ones end in an underscore.

   FURTHER   examples (hello, recall, attention, hetero, embedded, landscape), docs/guide.md (by tasks), docs/math.md
             (every equation and its function), docs/design.md (why it is built so), docs/porting.md

   SOURCES   HFY   Santos, Niculae, McNamee, Martins: Hopfield-Fenchel-Young Networks
             MHN   Ramsauer et al.: Hopfield Networks is All You Need
             KLR-S, KLR-L  Tamamori: Self-organization ... of attractor landscapes in ... kernel Hopfield networks
                   (spectral mechanism; kernel logistic regression)
             RATE  Cohen, Lengyel: Dynamical stability for dense patterns in discrete attractor neural networks
             Equation numbers in comments are theirs; "mended" marks a misprint that docs/math.md explains.

   HISTORY

     0.1.0   base, simd, linalg, sim, index, sep, post, net, file, shard: the walk, its energies and its gradients;
             binary, kernel: classical, dense and kernel memories
   ----------------------------------------------------------------------------------------------------------------- */

#ifndef HFY_H
#define HFY_H

#define HFY_VERSION "0.1.0"
#define HFY_VERSION_NUMBER 100 /* major * 10000 + minor * 100 + patch */

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#if defined(HFY_STATIC) && defined(HFY_API)
#error "hfy.h: define HFY_STATIC or HFY_API, not both"
#endif
#if defined(HFY_MALLOC) != defined(HFY_FREE)
#error "hfy.h: define HFY_MALLOC and HFY_FREE, or neither"
#endif
#ifndef HFY_API
#ifdef HFY_STATIC
#if defined(__GNUC__)
#define HFY_API static __attribute__((unused))
#else
#define HFY_API static
#endif
#else
#define HFY_API extern
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------------------------
   >>precision   one list of every public name that HFY_DOUBLE renames, so that two precisions never link as one
   ------------------------------------------------------------------------------------------------------------------ */
#ifdef HFY_DOUBLE
typedef double hfy_real;
/* types that hold hfy_real */
#define hfy_sep hfy_sep_d
#define hfy_sep_grad hfy_sep_grad_d
#define hfy_post hfy_post_d
#define hfy_post_grad hfy_post_grad_d
#define hfy_net hfy_net_d
#define hfy_report hfy_report_d
#define hfy_grad hfy_grad_d
#define hfy_index hfy_index_d
#define hfy_binary hfy_binary_d
/* every function */
#define hfy_status_text hfy_status_text_d
#define hfy_work_free hfy_work_free_d
#define hfy_rng_seed hfy_rng_seed_d
#define hfy_rng_u64 hfy_rng_u64_d
#define hfy_rng_uniform hfy_rng_uniform_d
#define hfy_rng_normal hfy_rng_normal_d
#define hfy_rng_sign hfy_rng_sign_d
#define hfy_simd_isa hfy_simd_isa_d
#define hfy_simd_text hfy_simd_text_d
#define hfy_linalg_eigen hfy_linalg_eigen_d
#define hfy_linalg_svd hfy_linalg_svd_d
#define hfy_linalg_pinv hfy_linalg_pinv_d
#define hfy_sim_scores hfy_sim_scores_d
#define hfy_index_size hfy_index_size_d
#define hfy_index_build hfy_index_build_d
#define hfy_index_check hfy_index_check_d
#define hfy_sep_apply hfy_sep_apply_d
#define hfy_sep_vjp hfy_sep_vjp_d
#define hfy_sep_value hfy_sep_value_d
#define hfy_sep_conjugate hfy_sep_conjugate_d
#define hfy_sep_loss hfy_sep_loss_d
#define hfy_sep_margin hfy_sep_margin_d
#define hfy_post_apply hfy_post_apply_d
#define hfy_post_vjp hfy_post_vjp_d
#define hfy_post_value hfy_post_value_d
#define hfy_post_conjugate hfy_post_conjugate_d
#define hfy_net_check hfy_net_check_d
#define hfy_retrieve hfy_retrieve_d
#define hfy_retrieve_vjp hfy_retrieve_vjp_d
#define hfy_energy hfy_energy_d
#define hfy_energy_constant hfy_energy_constant_d
#define hfy_file_npy_parse hfy_file_npy_parse_d
#define hfy_file_npy_decode hfy_file_npy_decode_d
#define hfy_file_npy_header hfy_file_npy_header_d
#define hfy_file_npy_info hfy_file_npy_info_d
#define hfy_file_npy_read hfy_file_npy_read_d
#define hfy_file_npy_write hfy_file_npy_write_d
#define hfy_shard_bytes hfy_shard_bytes_d
#define hfy_shard_find hfy_shard_find_d
#define hfy_shard_used hfy_shard_used_d
#define hfy_shard_needed hfy_shard_needed_d
#define hfy_shard_merge hfy_shard_merge_d
#define hfy_shard_finish hfy_shard_finish_d
#define hfy_binary_weights hfy_binary_weights_d
#define hfy_binary_net hfy_binary_net_d
#define hfy_binary_recall hfy_binary_recall_d
#define hfy_binary_energy hfy_binary_energy_d
#define hfy_kernel_words hfy_kernel_words_d
#define hfy_kernel_pack hfy_kernel_pack_d
#define hfy_kernel_unpack hfy_kernel_unpack_d
#define hfy_kernel_gamma hfy_kernel_gamma_d
#define hfy_kernel_gram hfy_kernel_gram_d
#define hfy_kernel_state_size hfy_kernel_state_size_d
#define hfy_kernel_train hfy_kernel_train_d
#define hfy_kernel_quantize hfy_kernel_quantize_d
#define hfy_kernel_net hfy_kernel_net_d
#define hfy_kernel_recall hfy_kernel_recall_d
#define hfy_kernel_potentials hfy_kernel_potentials_d
#define hfy_kernel_flip hfy_kernel_flip_d
#define hfy_kernel_random hfy_kernel_random_d
#define hfy_kernel_stored hfy_kernel_stored_d
#define hfy_kernel_basins hfy_kernel_basins_d
#define hfy_kernel_explore hfy_kernel_explore_d
#define hfy_kernel_forces hfy_kernel_forces_d
#define hfy_kernel_spectra hfy_kernel_spectra_d
#define hfy_kernel_information hfy_kernel_information_d
#define hfy_kernel_follow hfy_kernel_follow_d
#else
typedef float hfy_real;
#endif

/* ------------------------------------------------------------------------------------------------------------------
   >>base   statuses, scratch memory, random numbers
   ------------------------------------------------------------------------------------------------------------------ */

/* Name and text of every status, in one place. */
#define HFY_STATUS_LIST(X)                                                                                             \
    X(HFY_OK, "ok")                                                                                                    \
    X(HFY_ERR_ARG, "bad argument")                                                                                     \
    X(HFY_ERR_NOMEM, "not enough scratch memory")                                                                      \
    X(HFY_ERR_NONFINITE, "NaN or infinity where a finite number is needed")                                            \
    X(HFY_ERR_INFEASIBLE, "no point satisfies the constraints")                                                        \
    X(HFY_ERR_SINGULAR, "singular matrix")                                                                             \
    X(HFY_ERR_CONVERGENCE, "an inner solver did not converge")                                                         \
    X(HFY_ERR_UNSUPPORTED, "no such value or combination exists")                                                      \
    X(HFY_ERR_IO, "input or output failed")                                                                            \
    X(HFY_ERR_FORMAT, "malformed file")

typedef enum hfy_status {
#define HFY_STATUS_NAME(name, text) name,
    HFY_STATUS_LIST(HFY_STATUS_NAME)
#undef HFY_STATUS_NAME
} hfy_status;

/* A few words for a status, never NULL ("unknown status" for a number that is none). */
HFY_API const char *hfy_status_text(hfy_status status);

/* The instruction sets a kernel can be written for; hfy_work.isa picks one, HFY_ISA_BEST (0) lets the library choose.
   */
typedef enum hfy_isa {
    HFY_ISA_BEST,
    HFY_ISA_SCALAR,
    HFY_ISA_SSE2,
    HFY_ISA_AVX2,
    HFY_ISA_AVX512,
    HFY_ISA_NEON
} hfy_isa;

/* Scratch memory, the choice of instruction set, and the message of the last error. One per thread; zeroed = ready.
   Zeroed, it allocates with HFY_MALLOC, grows when a call needs more, and is emptied by hfy_work_free.
   With `buffer` and `capacity` set by you (and `owned` 0) it never allocates: a call that needs more returns
   HFY_ERR_NOMEM before it writes anything. Functions take NULL too: they allocate for that call and free before they
   return; the message is lost. */
typedef struct hfy_work {
    void *buffer;      /* scratch: yours, or the library's (owned = 1); any alignment */
    size_t capacity;   /* its bytes */
    size_t used;       /* bytes that the last call used */
    size_t peak;       /* the most that a call has asked for so far: this many bytes would do */
    hfy_isa isa;       /* HFY_ISA_BEST, or the instruction set to force (UNSUPPORTED if this machine has it not) */
    unsigned owned;    /* set by the library when it allocated buffer */
    char message[160]; /* what the last call had to say: empty after success */
} hfy_work;

/* Frees what the library allocated for this work and zeroes buffer, capacity and owned. A user's buffer is left alone.
   NULL is allowed. */
HFY_API void hfy_work_free(hfy_work *work);

/* A random generator: SplitMix64, with a cached second normal. Plain data: copy it to fork a stream. Zeroed = seed 0.
   */
typedef struct hfy_rng {
    uint64_t state;
    double cached;
    int has_cached;
} hfy_rng;

HFY_API hfy_rng hfy_rng_seed(uint64_t seed);
HFY_API uint64_t hfy_rng_u64(hfy_rng *rng);   /* uniform on 0 .. 2^64-1 */
HFY_API double hfy_rng_uniform(hfy_rng *rng); /* uniform on [0, 1), a multiple of 2^-53 */
HFY_API double hfy_rng_normal(hfy_rng *rng);  /* standard normal (Box-Muller, cosine first) */
HFY_API double hfy_rng_sign(hfy_rng *rng);    /* +1 or -1: the top bit */

/* ------------------------------------------------------------------------------------------------------------------
   >>simd   which instruction set runs
   ------------------------------------------------------------------------------------------------------------------ */

/* The instruction set that a call with this work (or NULL) runs: work->isa, or the best of this machine. */
HFY_API hfy_isa hfy_simd_isa(const hfy_work *work);
HFY_API const char *hfy_simd_text(hfy_isa isa); /* "scalar", "sse2", "avx2", "avx512", "neon"; "best" for 0 */

/* ------------------------------------------------------------------------------------------------------------------
   >>linalg.spectra   symmetric eigenvalues, singular values, pseudo-inverse; double in every build
   ------------------------------------------------------------------------------------------------------------------ */

/* Eigenvalues of a symmetric matrix, largest first, and their vectors. a: n x n row by row; only its lower triangle is
   read. values: n. vectors: n x n, row i the unit vector of values[i], or NULL. Values and residuals are within a few
   n eps max|value| of exact ones; vectors are orthonormal to a few n eps. The same bits for any number of threads.
   Cost: 4/3 n^3 multiply-adds, with vectors about 6 n^3; scratch: n^2 doubles, with vectors 2 n^2.
   Errors, nothing written: ARG (NULL, n = 0, sizes), NOMEM, NONFINITE, CONVERGENCE (never seen).
   EXAMPLE  double values[2], vectors[4], a[] = { 2, 1, 1, 2 };   3 and 1, (1, 1) and (1, -1) over the root of 2
            hfy_linalg_eigen(a, 2, values, vectors, &work); */
HFY_API hfy_status hfy_linalg_eigen(const double *a, size_t n, double *values, double *vectors, hfy_work *work);

/* Singular values, largest first, and the vectors: A = sum over i of values[i] left_i right_i^T. a: rows x columns.
   values: r = min(rows, columns). left: r rows of `rows`, right: r rows of `columns`, or NULL. Absolute errors of a few
   n eps values[0]. For a singular value of exactly 0 (or one that underflows) the left vector (where rows < columns:
   the right one) is the zero vector; all others are orthonormal.
   How: eigenvectors V of the smaller of A^T A and A A^T make A V nearly orthogonal, one-sided Jacobi rotations finish,
   so small values keep what forming A^T A alone would lose. Cost: 2 rows columns r + 6 r^3 and a few times
   r^2 max(rows, columns) multiply-adds. Errors as hfy_linalg_eigen. */
HFY_API hfy_status hfy_linalg_svd(const double *a, size_t rows, size_t columns, double *values, double *left,
                                  double *right, hfy_work *work);

/* The pseudo-inverse, columns x rows, of a rows x columns matrix. Singular values up to `cut` times the largest count
   as 0; cut = 0: max(rows, columns) eps. *rank, if not NULL: how many are left. Errors as hfy_linalg_svd; ARG (cut
   negative or NaN, inverse NULL). */
HFY_API hfy_status hfy_linalg_pinv(const double *a, size_t rows, size_t columns, double cut, double *inverse,
                                   size_t *rank, hfy_work *work);

/* ------------------------------------------------------------------------------------------------------------------
   >>sim   similarities of queries and keys (universal Hopfield, HFY 3.2)
   ------------------------------------------------------------------------------------------------------------------ */
typedef enum hfy_sim {
    HFY_SIM_DOT,       /* <x, q> */
    HFY_SIM_COSINE,    /* <x, q> / (|x| |q|); 0 where either is the zero vector */
    HFY_SIM_EUCLIDEAN, /* -1/2 |x - q|^2 */
    HFY_SIM_MANHATTAN  /* -|x - q|_1 */
} hfy_sim;

/* scores[j*count + i] = beta * sim(key i, query j).
   keys: count rows of dim, key_stride apart (0 = dim); queries: n_queries rows of dim; scores: n_queries x count.
   beta: any finite number. A dot product is within 4 eps sqrt(dim) |beta| |x||q| of the exact one (eps of hfy_real);
   a score beyond the range of hfy_real comes out infinite, NaN in gives NaN out.
   Cost: count x dim x n_queries multiply-adds. Errors: ARG (NULL, dim or count 0, stride < dim, beta not finite). */
HFY_API hfy_status hfy_sim_scores(hfy_sim sim, double beta, const hfy_real *keys, size_t count, size_t dim,
                                  size_t key_stride, const hfy_real *queries, size_t n_queries, hfy_real *scores,
                                  hfy_work *work);

/* ------------------------------------------------------------------------------------------------------------------
   >>index   a prepared memory: short copies of the keys that say which few of them a query must be compared with
   ------------------------------------------------------------------------------------------------------------------ */

/* How a prepared memory is built. Zeroed (or NULL) = the defaults. */
typedef struct hfy_index_options {
    size_t prefix; /* principal directions put in front of the rows. 0: up to 128, as many as pay, none where the keys
                      have no low-dimensional structure or dim < 128; SIZE_MAX: none; else this many, at most dim */
    size_t sample; /* rows from which the mean and the directions are estimated; 0 = 2048 */
} hfy_index_options;

/* A prepared memory: every key in one byte an element with a certified bound on what that leaves out, so that a
   retrieval with a margin (sparsemax, entmax, normmax, k-subsets, argmax over dots) reads 4 to 40 times fewer bytes
   and still returns the bits of the full scan. It borrows the caller's memory; the keys must stay as they are (the
   retrieval reads the few that matter). Plain data: struct and the bytes at `data` may be saved and loaded again on the
   same kind of machine; `data` is then pointed at the copy, aligned to 64 bytes. All members are read-only. */
typedef struct hfy_index {
    const void *data;     /* in the caller's memory, aligned to 64 bytes */
    size_t bytes;         /* of data in use */
    size_t count, dim;    /* shape of the keys */
    size_t prefix;        /* principal directions in front of the rows; 0 = none */
    double residual;      /* share of the keys' norm, their mean direction apart, that the directions leave; or 1 */
    double error;         /* root mean square of |key - its int8 row| over that of |key| */
    uint64_t format;      /* version and precision of the build; anything else is refused */
    uint64_t fingerprint; /* of every byte of the keys */
    uint64_t sampled;     /* of a fixed sample of the keys' rows: looked at before every retrieval */
    uint64_t seal;        /* of data and the members */
    double mean_norm, basis_norm, largest; /* bounds: the mean row, the directions as a matrix, the longest key */
    int exponent, reserved; /* inside, keys are divided by 2^exponent: the largest element is then in [1/2, 1) */
} hfy_index;

/* Bytes of memory that hfy_index_build needs, whatever the alignment: about dim + 16 a key, and up to 148 more with a
   prefix; SIZE_MAX if there is no such size (0, overflow, dim above 2^24, count above 2^32 - 1, prefix above dim). */
HFY_API size_t hfy_index_size(size_t count, size_t dim, const hfy_index_options *options);

/* Prepares the keys (count rows of dim, key_stride apart, 0 = dim) in `memory` (any alignment, `bytes` of it, at least
   hfy_index_size). *index is written only on success. Deterministic for one instruction set. Cost: a few passes over
   the keys; with a prefix also 2 count dim prefix multiply-adds.
   Errors: ARG (NULL, sizes, options, bytes), NOMEM (scratch: about dim (264 + 16 prefix) bytes with a prefix, 8 dim
   without, and 16 sample), NONFINITE (NaN or infinity in a key; the message says in which row).
   EXAMPLE  size_t bytes = hfy_index_size(count, dim, NULL);
            void *memory = malloc(bytes);
            status = hfy_index_build(keys, count, dim, 0, NULL, memory, bytes, &index, &work); */
HFY_API hfy_status hfy_index_build(const hfy_real *keys, size_t count, size_t dim, size_t key_stride,
                                   const hfy_index_options *options, void *memory, size_t bytes, hfy_index *index,
                                   hfy_work *work);

/* The full check that an index belongs to these keys and is whole: reads every byte of both. (A retrieval looks at the
   shape and at a few rows only.) Errors: ARG (NULL, no index of this version and precision, another shape, keys that
   have changed, data that has changed). */
HFY_API hfy_status hfy_index_check(const hfy_index *index, const hfy_real *keys, size_t count, size_t dim,
                                   size_t key_stride, hfy_work *work);

/* ------------------------------------------------------------------------------------------------------------------
   >>sep   separations: y = argmax over dom(Omega) of theta.y - Omega(y)   (HFY eq. 4)
   ------------------------------------------------------------------------------------------------------------------ */
typedef enum hfy_sep_kind {
    HFY_SEP_SOFTMAX,   /* e^theta / sum;  Omega = sum y log y on the simplex */
    HFY_SEP_SPARSEMAX, /* projection onto the simplex;  Omega = 1/2|y|^2 - 1/2 (with bounds: 1/2|y|^2) */
    HFY_SEP_ENTMAX,    /* alpha-entmax;  Omega = (sum y^alpha - 1) / (alpha (alpha-1)) on the simplex (HFY eq. 17) */
    HFY_SEP_NORMMAX,   /* gamma-normmax;  Omega = |y|_gamma - 1 on the simplex (HFY eq. 18) */
    HFY_SEP_KSUBSETS,  /* projection onto {0 <= y <= 1, sum y = k};  Omega = rho/2 |y|^2 */
    HFY_SEP_IDENTITY,  /* theta;  Omega = 1/2|y|^2 */
    HFY_SEP_POWER,  /* sign(theta)|theta|^(degree-1);  Omega = 1/s |y|_s^s, 1/degree + 1/s = 1 (HFY eq. 10, mended) */
    HFY_SEP_EXP,    /* e^theta;  Omega = sum y log y - y on y >= 0 (HFY eq. 12, mended) */
    HFY_SEP_ARGMAX, /* 1 on the k largest (ties: lowest index), 0 elsewhere;  Omega = 0 on their hull */
    HFY_SEP_UNIFORM /* 1/n on every pattern that is not masked, whatever its score */
} hfy_sep_kind;

/* A separation. Zeroed = softmax. Members that a kind does not use are ignored. */
typedef struct hfy_sep {
    double k; /* KSUBSETS: budget, any real 0 < k <= n; ARGMAX: whole, 1 <= k <= n; 0 = 1 */
    hfy_sep_kind kind;
    double alpha;                 /* ENTMAX: index alpha > 0, HUGE_VAL allowed (uniform over exact ties); 0 = 1.5 */
    double gamma;                 /* NORMMAX: gamma >= 1, HUGE_VAL allowed; 1 = argmax, ties shared; 0 = 2 */
    double degree;                /* POWER: r > 1, y = sign(theta)|theta|^(r-1); 0 = 3 */
    double rho;                   /* KSUBSETS: weight rho > 0 of the quadratic; 0 = 1 */
    const double *upper, *lower;  /* SPARSEMAX, KSUBSETS: bounds, rows of n, lower <= upper (upper may be HUGE_VAL);
                                     NULL = 0 below and, above, none (SPARSEMAX) or 1 (KSUBSETS) */
    size_t bound_stride;          /* doubles between the bounds of two rows; 0 = one row of bounds for all */
    const struct hfy_sep *plus;   /* a second separation whose prediction is added (sum of energies, HFY 3.3.7): NULL */
} hfy_sep;

/* y[j*n + i]: prediction for each row of scores. theta: rows x n, finite or -INFINITY (masked: weight 0, never
   counted). y may be theta itself. Simplex kinds sum to one within rounding; equal scores get equal weights (ARGMAX:
   lowest index first); a vertex is exact to the bit: one-hot from a gap of hfy_sep_margin on.
   Accuracy: a few ulp in float, 1e-12 in double, of the exact prediction for the given scores.
   Cost: O(n) a row (ENTMAX alpha > 2 and NORMMAX infinity: plus a sort of the scores within the margin).
   Errors, found before anything is written: ARG (NULL, n = 0, a parameter outside its range, lower > upper, k > n),
   NOMEM. Errors of one row, which leave that row of y untouched while all others are answered; the first is returned:
   NONFINITE (NaN or +INFINITY in it), ARG (everything masked, or k above the unmasked), INFEASIBLE (bounds cannot be
   met; a shortfall of 1e-9 is forgiven), UNSUPPORTED (EXP, POWER: beyond the range of hfy_real).
   EXAMPLE  hfy_sep sep = {0}; sep.kind = HFY_SEP_SPARSEMAX; hfy_sep_apply(&sep, theta, 1, n, y, NULL); */
HFY_API hfy_status hfy_sep_apply(const hfy_sep *sep, const hfy_real *theta, size_t rows, size_t n, hfy_real *y,
                                 hfy_work *work);

/* Where hfy_sep_vjp writes; NULL members are left out. */
typedef struct hfy_sep_grad {
    hfy_real *theta; /* rows x n; may be dy itself */
    double *alpha;   /* 1, summed over the rows: ENTMAX only */
    double *gamma;   /* 1, summed over the rows: NORMMAX only, 1 < gamma < infinity */
    double *upper;   /* like sep->upper: n summed over the rows if bound_stride is 0, else rows of bound_stride */
    double *lower;   /* the same for sep->lower */
} hfy_sep_grad;

/* Vector-Jacobian products: grad->theta = J^T dy and the like, at y = prediction(theta). Overwrites what it is given.
   y: rows x n as hfy_sep_apply returned it for theta (theta is read for IDENTITY, POWER and `plus`; else it may be
   NULL). At a kink the support of y decides (one element of the generalized Jacobian). ARGMAX, UNIFORM, NORMMAX and
   ENTMAX at infinity: 0. ENTMAX needs finite alpha for grad->alpha. Cost O(n) a row.
   Errors: ARG, NOMEM; UNSUPPORTED (a parameter gradient the kind does not have; parameters of a `plus`);
   NONFINITE in dy is carried through, not reported. Derived in docs/math.md, section 7. */
HFY_API hfy_status hfy_sep_vjp(const hfy_sep *sep, const hfy_real *theta, const hfy_real *y, const hfy_real *dy,
                               size_t rows, size_t n, const hfy_sep_grad *grad, hfy_work *work);

/* omega[j] = Omega(y_j), +INFINITY outside its domain (sums are judged with a tolerance of 1e-6). y: rows x n.
   Errors: ARG, NOMEM; NONFINITE for a row with NaN; UNSUPPORTED with `plus`. */
HFY_API hfy_status hfy_sep_value(const hfy_sep *sep, const hfy_real *y, size_t rows, size_t n, double *omega,
                                 hfy_work *work);

/* omega_star[j] = Omega*(theta_j) = max over y of theta.y - Omega(y), in double. `plus` adds its own.
   Errors as hfy_sep_apply. */
HFY_API hfy_status hfy_sep_conjugate(const hfy_sep *sep, const hfy_real *theta, size_t rows, size_t n,
                                     double *omega_star, hfy_work *work);

/* loss[j] = Omega(y) + Omega*(theta) - theta.y >= 0, the Fenchel-Young loss (HFY eq. 5): 0 if and only if
   y = prediction(theta); its gradient with respect to theta is prediction(theta) - y. +INFINITY for y outside the
   domain or with weight on a masked score. Computed without cancellation of large scores. Errors as hfy_sep_apply;
   UNSUPPORTED with `plus`. */
HFY_API hfy_status hfy_sep_loss(const hfy_sep *sep, const hfy_real *theta, const hfy_real *y, size_t rows, size_t n,
                                double *loss, hfy_work *work);

/* The margin m: a score m or more above all others takes all the weight (HFY Def. 5, Prop. 6; KSUBSETS: the k-th
   above the (k+1)-th). INFINITY where there is none, where bounds are set, or where sep is not valid; `plus`: the
   larger. */
HFY_API double hfy_sep_margin(const hfy_sep *sep);

/* ------------------------------------------------------------------------------------------------------------------
   >>post   post-transformations: q = argmax over dom(Psi) of z.q - Psi(q)   (HFY eq. 4)
   ------------------------------------------------------------------------------------------------------------------ */
typedef enum hfy_post_kind {
    HFY_POST_NONE,           /* z;  Psi = 1/2|q|^2 */
    HFY_POST_TANH,           /* tanh(beta z);  Psi = -1/beta H_b((1+q)/2) on |q| <= 1 (HFY eq. 9, mended) */
    HFY_POST_SIGN,           /* sign(z), 0 keeps `previous`;  Psi = 0 on |q| <= 1 */
    HFY_POST_L2,             /* radius z / sqrt(|z|^2 + eps);  Psi = -sqrt(eps (radius^2 - |q|^2)) on |q| <= radius */
    HFY_POST_LAYERNORM,      /* eta (z - mean) / sqrt(var + eps) + delta (HFY eq. 14, 38) */
    HFY_POST_LINEAR,         /* A z;  Psi = 1/2 q.A^-1 q, A symmetric positive definite */
    HFY_POST_RECTIFIED_POWER /* ((sigma/pi) softplus(pi (z-theta)/sigma))^power, sigma = 0: max(z-theta, 0)^power */
} hfy_post_kind;

/* A post-transformation. Zeroed = none. Members that a kind does not use are ignored. */
typedef struct hfy_post {
    size_t dof_minus; /* LAYERNORM: the variance divides by n - dof_minus: 0 = biased (default), 1 = unbiased */
    hfy_post_kind kind;
    double beta;   /* TANH: inverse temperature > 0; 0 = 1 */
    double radius; /* L2: > 0; 0 = 1 */
    double eta;    /* LAYERNORM: gain > 0 of all coordinates; 0 = 1 */
    double eps;    /* L2, LAYERNORM: >= 0, added under the root; 0 = none */
    double power;  /* RECTIFIED_POWER: > 0; 0 = 1 */
    double sigma;  /* RECTIFIED_POWER: smoothness >= 0; 0 = the sharp rectifier */
    double theta;  /* RECTIFIED_POWER: threshold, any finite number */
    const hfy_real *gain;   /* LAYERNORM: n gains instead of eta (no energy then); or NULL */
    const hfy_real *delta;  /* LAYERNORM: n shifts; NULL = 0 */
    const hfy_real *matrix; /* LINEAR: n x n, row by row */
} hfy_post;

/* q[j*n + i] for each row of z. z: rows x n; previous: rows x n, what sign(0) keeps (NULL: sign(0) = 0); q may be z,
   and for SIGN previous too. Zero vectors: L2 gives 0; constant ones: LAYERNORM gives delta.
   Errors: ARG (NULL, n = 0, a parameter outside its range, LAYERNORM with n = dof_minus, no matrix), NOMEM; one row:
   NONFINITE (z not finite, or the result beyond the range of hfy_real), that row untouched. Cost O(n) a row, LINEAR
   O(n^2). */
HFY_API hfy_status hfy_post_apply(const hfy_post *post, const hfy_real *z, const hfy_real *previous, size_t rows,
                                  size_t n, hfy_real *q, hfy_work *work);

/* Where hfy_post_vjp writes; NULL members are left out. */
typedef struct hfy_post_grad {
    hfy_real *z;             /* rows x n; may be dq itself */
    hfy_real *gain, *delta;  /* n each, summed over the rows: LAYERNORM */
    hfy_real *matrix;        /* n x n, summed over the rows: LINEAR */
} hfy_post_grad;

/* Vector-Jacobian products at z for the cotangent dq (rows x n each). Overwrites what it is given. SIGN, zero vectors
   under L2, constant ones under LAYERNORM (without eps): 0. Errors: ARG, NOMEM, UNSUPPORTED (a parameter gradient that
   the kind has not). */
HFY_API hfy_status hfy_post_vjp(const hfy_post *post, const hfy_real *z, const hfy_real *dq, size_t rows, size_t n,
                                const hfy_post_grad *grad, hfy_work *work);

/* psi[j] = Psi(q_j); +INFINITY outside its domain (an infinite q too), judged with a tolerance of max(1e-9, 8 eps)
   (1 + radius); LAYERNORM: (1 + radius + |delta|). Errors: ARG, NOMEM, NONFINITE (a row with NaN); UNSUPPORTED where
   no Psi exists: a matrix that is not symmetric positive definite, a gain vector, sigma > 0. */
HFY_API hfy_status hfy_post_value(const hfy_post *post, const hfy_real *q, size_t rows, size_t n, double *psi,
                                  hfy_work *work);

/* psi_star[j] = Psi*(z_j) = max over q of z.q - Psi(q). Errors as hfy_post_value; NONFINITE for infinities too. */
HFY_API hfy_status hfy_post_conjugate(const hfy_post *post, const hfy_real *z, size_t rows, size_t n, double *psi_star,
                                      hfy_work *work);

/* ------------------------------------------------------------------------------------------------------------------
   >>net   the memory: similarity, separation, projection, post-transformation, again   (HFY eq. 8)
   ------------------------------------------------------------------------------------------------------------------ */

/* An associative memory. It borrows every array; no function keeps a pointer past its return. Zeroed but for dim, count
   and keys it is the modern Hopfield network: softmax attention over the keys with beta = 1/sqrt(dim).
   One step from q:  theta = beta sim(keys, q) + bias;  p = separation(theta);  z = values^T p - self_coupling o q;
   f(q) = post(z);  q <- q + step (f(q) - q). */
typedef struct hfy_net {
    size_t dim, count;            /* D: length of a pattern; N: how many; both >= 1 */
    const hfy_real *keys;         /* N rows of dim */
    size_t key_stride;            /* from one row to the next; 0 = dim */
    const struct hfy_index
        *index; /* the keys prepared by hfy_index_build: DOT with a margin then reads far fewer bytes for
                                     the same bits; ignored where it cannot help; or NULL */
    const hfy_real *values;       /* N rows of dim, used in every step; NULL = keys */
    size_t value_stride;          /* 0 = dim (key_stride while values is NULL) */
    const hfy_real *self_coupling; /* dim: z <- z - self_coupling o q (classical nets without self-coupling); or NULL */
    const hfy_real *readout;      /* N rows of readout_dim: out = readout^T p of the last step, no post; or NULL */
    size_t readout_dim, readout_stride; /* >= 1 with a readout; stride 0 = readout_dim */
    hfy_sim sim;
    double beta; /* inverse temperature > 0; 0 = 1/sqrt(dim) for DOT with a simplex or polytope Omega, else 1 */
    hfy_sep sep;
    hfy_post post;
    const hfy_real *bias;         /* added to the scores; -INFINITY masks a pattern, whatever its key holds; or NULL */
    size_t bias_stride;           /* rows of N, one a query, this far apart; 0 = one row for all queries */
    const size_t *visible; /* one a query: only patterns 0 .. visible-1 exist for it (causal, padding); or NULL */
    double step;                  /* leak 0 < step <= 1; 0 = 1 */
    double tol;                   /* >= 0: stop once max|f(q) - q| <= tol; 0: once f(q) = q to the bit */
    size_t max_steps;             /* 0 = 1 */
} hfy_net;

/* What a retrieval can tell besides its answer: every pointer is optional, arrays hold one entry a query unless said.
   Entries of a query that could not be answered are untouched, but for its status. */
typedef struct hfy_report {
    hfy_status *status;   /* HFY_OK, or why that query has no answer */
    size_t *best;         /* the heaviest pattern of the last step's p; the lowest index of ties */
    size_t *support;      /* how many weights of it are not zero */
    size_t *steps;        /* updates made, 1 .. max_steps */
    double *residual;     /* max|f(q) - q| of the last update: how far from standing still */
    size_t *cycle; /* 0, or the length of a cycle of states, equal to the bit, that the query was found to go round */
    double *energy;       /* n_queries x (max_steps+1): E of the start and after each step; the tail repeats the last */
    size_t top;           /* how many of the heaviest patterns to list */
    size_t *top_index;    /* n_queries x top, heaviest first, ties by index; then SIZE_MAX */
    hfy_real *top_weight; /* n_queries x top; then 0 */
    hfy_real *weights;    /* n_queries x N: the last step's p */
} hfy_report;

/* Runs every query through the net until it stands still or max_steps are made.
   queries: n_queries x dim. out: n_queries x dim, or x readout_dim with a readout; may be queries if the widths agree.
   Cost a step and query: N dim multiply-adds for the scores, |support| dim for the projection; a query that stands
   still costs nothing more. Where p is one-hot the pattern is copied to the bit. The bits of a query's answer depend
   neither on the other queries nor on the number of threads.
   With the EXP separation p is kept as e^(theta - max theta) so that nothing overflows inside; report->weights are
   e^theta, +INFINITY where hfy_real cannot hold them.
   Running into max_steps is HFY_OK (see residual). A cycle in the last bits counts as standing still; round a wider
   one (a synchronous classical net has them) whole turns are skipped, and the answer is that of max_steps all the same.
   SOFTMAX and EXP keep running sums in one pass over the keys; asked for support, top, weights or energies they keep
   whole rows of weights, in more memory, with answers equal up to rounding. All others give the same bits either way.
   Errors before anything is written: ARG, NOMEM, UNSUPPORTED
   (report->energy where no energy exists). Errors of one query, whose outputs stay untouched while all others are
   answered; the first is returned: NONFINITE (NaN or +INFINITY in its scores, or a state beyond the range of hfy_real),
   ARG (every pattern masked, or k above the unmasked), INFEASIBLE (bounds). An index that does not belong to the keys
   is an ARG of the call. */
HFY_API hfy_status hfy_retrieve(const hfy_net *net, const hfy_real *queries, size_t n_queries, hfy_real *out,
                                const hfy_report *report, hfy_work *work);

/* Where hfy_retrieve_vjp adds; NULL members are left out. Arrays have the layout (strides too) of what they are the
   gradient of. While net->values is NULL, `keys` receives the values' part as well and `values` must be NULL. */
typedef struct hfy_grad {
    hfy_real *queries;       /* n_queries x dim */
    hfy_real *keys, *values, *readout;
    hfy_real *bias;          /* with bias_stride 0: N, summed over the queries */
    hfy_real *self_coupling; /* dim */
    double *beta;            /* 1 */
    double *alpha, *gamma;   /* 1: the separation's */
} hfy_grad;

/* Reverse mode: adds to grad the vector-Jacobian products of hfy_retrieve at dout (the shape of out), through all the
   steps that hfy_retrieve makes (how many is taken as constant). Zero the arrays first for the bare gradient.
   Runs the forward pass again: memory (max_steps+1) dim a query, time about three times that of the retrieval.
   Errors as hfy_retrieve: a query with an error adds nothing. UNSUPPORTED: alpha or gamma for a kind without it, EXP
   beyond the range of hfy_real. */
HFY_API hfy_status hfy_retrieve_vjp(const hfy_net *net, const hfy_real *queries, size_t n_queries, const hfy_real *dout,
                                    const hfy_grad *grad, hfy_work *work);

/* energy[j] = -1/beta Omega*(beta K q + bias) + Psi(q) + 1/2 sum self_coupling q^2 (HFY eq. 6, no constant): what the
   steps descend (CCCP; step = 1, no self-coupling). +INFINITY for q outside dom Psi. q: n_queries x dim.
   Errors: UNSUPPORTED where no energy exists: a similarity other than DOT, values that are not the keys, or a post
   without Psi; else as hfy_retrieve. */
HFY_API hfy_status hfy_energy(const hfy_net *net, const hfy_real *q, size_t n_queries, double *energy, hfy_work *work);

/* The constants that the papers add to the raw energy; u = prediction(0), M = max |x_i|. */
typedef enum hfy_energy_form {
    HFY_ENERGY_RAW,   /* 0 */
    HFY_ENERGY_PAPER, /* -Omega(u)/beta + M^2/2 (HFY eq. 20; softmax, no post: MHN eq. 2) */
    HFY_ENERGY_FY     /* -Omega(u)/beta + Psi*(X^T u) (HFY eq. 6: a difference of Fenchel-Young losses) */
} hfy_energy_form;
HFY_API hfy_status hfy_energy_constant(const hfy_net *net, hfy_energy_form form, double *constant, hfy_work *work);

/* Checks everything about a net that does not depend on the queries and, if resolved is not NULL, gives back the net
   with all defaults filled in. Errors: ARG with the member, its value and what it should have been. */
HFY_API hfy_status hfy_net_check(const hfy_net *net, hfy_net *resolved, hfy_work *work);

/* ------------------------------------------------------------------------------------------------------------------
   >>file   .npy in and out
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_FILE_RANK 8 /* the most axes an array may have */

/* What the header of a .npy file says (format versions 1.0, 2.0 and 3.0). */
typedef struct hfy_npy {
    size_t rank;                  /* axes, 0 .. HFY_FILE_RANK */
    size_t shape[HFY_FILE_RANK];  /* their lengths, first axis first; 1 beyond rank */
    size_t count;                 /* product of the lengths: elements */
    size_t item_size;             /* bytes an element: 1, 4 or 8 */
    size_t data_offset;           /* where the elements start: bytes from the beginning of the file */
    char type;                    /* 'f', 'i' or 'u' */
    char swapped;                 /* 1: the other byte order than this machine's */
    char fortran;                 /* 1: first axis fastest */
} hfy_npy;

/* Reads the header in the first `size` bytes of a .npy file (the whole file, or at least its header).
   Errors: ARG (NULL), FORMAT (not .npy, truncated, a type other than f4 f8 u1 i1 i4 i8, more than HFY_FILE_RANK axes, a
   shape whose bytes overflow size_t); info is untouched then. */
HFY_API hfy_status hfy_file_npy_parse(const void *bytes, size_t size, hfy_npy *info, hfy_work *work);

/* Decodes a whole .npy file in memory to row-major hfy_real. capacity: elements that out has room for. info may be
   NULL.
   Errors: as hfy_file_npy_parse; FORMAT (fewer bytes than the shape needs); ARG (capacity too small: the message says
   how much is needed). Values beyond the range of hfy_real become infinite; i8 is rounded to hfy_real. */
HFY_API hfy_status hfy_file_npy_decode(const void *bytes, size_t size, hfy_real *out, size_t capacity, hfy_npy *info,
                                       hfy_work *work);

/* Writes the header of a row-major .npy array of hfy_real in this machine's byte order into `bytes` and its length into
   *size (a multiple of 64; at most 256). bytes: capacity of at least 256. The elements follow it as they are. */
HFY_API hfy_status hfy_file_npy_header(const size_t *shape, size_t rank, void *bytes, size_t capacity, size_t *size,
                                       hfy_work *work);

#ifndef HFY_NO_STDIO
/* The same on files. hfy_file_npy_info reads the header only, so that the caller can make room; hfy_file_npy_read
   checks the file's length against the shape before it reads the elements into out (untouched on every error but an
   IO error midway).
   Errors: ARG, IO (open, read, write), FORMAT, NOMEM. */
HFY_API hfy_status hfy_file_npy_info(const char *path, hfy_npy *info, hfy_work *work);
HFY_API hfy_status hfy_file_npy_read(const char *path, hfy_real *out, size_t capacity, hfy_npy *info, hfy_work *work);
HFY_API hfy_status hfy_file_npy_write(const char *path, const hfy_real *data, const size_t *shape, size_t rank,
                                      hfy_work *work);
#endif

#ifndef HFY_CORE_ONLY /* from here on: rooms that small programs leave out */

/* ------------------------------------------------------------------------------------------------------------------
   >>shard   one step over patterns that lie in several places: what each finds, merged in any order, finished once
   ------------------------------------------------------------------------------------------------------------------ */

/* A partial is what a slice of the patterns has to say to a batch of queries, in one block of bytes: no pointers
   inside, any alignment, to be copied or sent as it is between machines of one kind.
     separations with a margin       the candidates: global number, score, row of the values (or of the readout)
     SOFTMAX, EXP, IDENTITY, POWER   maximum, sum, weighted sum of the rows
   Partials of disjoint slices merge in any order and any tree, and finishing gives what one step of hfy_retrieve on the
   whole net gives: with a margin to the bit (the same instruction set everywhere), else up to rounding. Bias and masks
   are used where the slice is; step, self_coupling and post where it is finished.
   UNSUPPORTED: UNIFORM, ENTMAX with alpha < 1, bounds, `plus`.
   What goes wrong with one query (NaN in its scores, too many candidates) travels in the partial, and hfy_shard_finish
   reports it: hfy_shard_find and hfy_shard_merge return only what is wrong with the whole call.
   In this room a net has a readout if readout_dim is not 0. max_steps and tol are not used: for more steps finish in
   one place, send the new states to all and find again, without the readout in all but the last.
   EXAMPLE  two halves, here one after the other in one process:
     hfy_net slice = net;
     size_t half = net.count / 2, bytes = hfy_shard_bytes(&net, n_queries, 0);
     slice.count = half;
     hfy_shard_find(&slice, 0, queries, n_queries, 0, a, bytes, &work);
     slice.count = net.count - half, slice.keys += half * net.dim; (values, readout and bias move on likewise)
     hfy_shard_find(&slice, half, queries, n_queries, 0, b, bytes, &work);
     hfy_shard_merge(a, bytes, b, hfy_shard_used(b, bytes), &work);
     hfy_shard_finish(&net, queries, n_queries, a, bytes, out, NULL, &work); */

/* Bytes that a partial needs at most: 152 + n_queries (56 + capacity (16 + row)), row the bytes of a row rounded up to
   a multiple of 8; without a margin 152 + n_queries (56 + row). Of the net only dim, readout_dim and sep are looked at.
   capacity: how many candidates one query may have; 0 = 64, and k more for KSUBSETS and ARGMAX; ignored without a
   margin. SIZE_MAX if there is no such size: net NULL, dim 0, overflow, a separation that has no partials. */
HFY_API size_t hfy_shard_bytes(const hfy_net *net, size_t n_queries, size_t capacity);

/* Makes the partial of a slice. net: the slice's own keys, values, readout and bias (all from its first pattern on)
   and its count; with 0 patterns, keys may be NULL: the partial that changes nothing. first: the number of its first
   pattern in the whole. visible counts in the whole: patterns 0 .. visible-1. k may be above the slice's count.
   bytes: at least hfy_shard_bytes. More than `capacity` candidates are no error yet: the best are kept, and the query
   fails at last if and only if the whole has more than `capacity`, whatever the slices and the order of merging.
   An index is that of the slice. Cost: a step of hfy_retrieve; with a margin nothing is projected. The bits depend on
   neither threads nor batch nor index.
   Errors, partial untouched: as hfy_net_check; ARG (NULL, bytes, first + count of 2^64 or more), NOMEM, UNSUPPORTED. */
HFY_API hfy_status hfy_shard_find(const hfy_net *net, uint64_t first, const hfy_real *queries, size_t n_queries,
                                  size_t capacity, void *partial, size_t bytes, hfy_work *work);

/* How many of its bytes are in use: what must be sent. 0 if it is no partial (only its head is looked at). */
HFY_API size_t hfy_shard_used(const void *partial, size_t bytes);

/* A capacity that surely serves all of its queries: the most candidates of one, those that found no room included.
   0 without a margin, and if it is no partial. */
HFY_API size_t hfy_shard_needed(const void *partial, size_t bytes);

/* Merges `from` into `into`, which needs the room that it was made with; of `from` the bytes in use do. They may have
   different capacities. Cost: a copy of both; scratch: the bytes in use of `into`, about.
   Errors, `into` untouched: FORMAT (a block that is no partial, is truncated, damaged, of another version or
   precision); ARG (NULL, too little room, `from` is `into`, other queries, another net, a pattern in both), NOMEM. */
HFY_API hfy_status hfy_shard_merge(void *into, size_t into_bytes, const void *from, size_t from_bytes, hfy_work *work);

/* The answers: what one step of hfy_retrieve gives. net: the whole's; keys, values, readout, bias, visible and index
   are not read and may be NULL. Its count is how many patterns there are: unless the partial covers each of
   0 .. count-1 exactly once nothing is answered; count 0: the answer of whatever it covers. queries: those that it was
   made with, to the bit. out and report as in hfy_retrieve.
   Errors, nothing written: as hfy_shard_merge; UNSUPPORTED (report->energy, weights; residual with a readout; support
   and top without a margin). Errors of one query: as hfy_retrieve, and NOMEM (more candidates than the capacity; the
   message and hfy_shard_needed say how many would do). */
HFY_API hfy_status hfy_shard_finish(const hfy_net *net, const hfy_real *queries, size_t n_queries, const void *partial,
                                    size_t bytes, hfy_real *out, const hfy_report *report, hfy_work *work);

/* ------------------------------------------------------------------------------------------------------------------
   >>binary   memories of +1 and -1: Hebbian and pseudo-inverse weights, asynchronous recall, dense memories by energy
              differences (MHN eq. A529, A530)
   ------------------------------------------------------------------------------------------------------------------ */
typedef enum hfy_binary_rule {
    HFY_BINARY_HEBBIAN,       /* W = X^T X: sums of products, not divided, so that whole numbers stay exact */
    HFY_BINARY_PSEUDO_INVERSE /* W = X^+ X, the projection onto the span of the patterns: each pattern is W's own */
} hfy_binary_rule;

/* weights[j*dim + k] for `count` patterns of dim, stride apart (0 = dim), of any finite numbers; self_coupling 0 makes
   the diagonal zero. Duplicate and dependent patterns are fine. Cost: count dim^2 multiply-adds, PSEUDO_INVERSE also
   count^2 dim; scratch: count dim and dim^2 doubles, and count^2.
   Errors, nothing written: ARG (NULL, sizes), NOMEM, NONFINITE (in a pattern). */
HFY_API hfy_status hfy_binary_weights(hfy_binary_rule rule, const hfy_real *patterns, size_t count, size_t dim,
                                      size_t stride, int self_coupling, hfy_real *weights, hfy_work *work);

/* The same memory as a net, without dim x dim weights: hfy_retrieve then updates all bits at once. Fills *net, which
   borrows the arrays: keys (PSEUDO_INVERSE: the patterns, count x dim, are its values, and `keys`, room for count x
   dim, gets their duals; HEBBIAN: NULL) and `coupling` (room for dim: the diagonal, taken out again; NULL keeps it).
   Set net->max_steps yourself. Errors as hfy_binary_weights. */
HFY_API hfy_status hfy_binary_net(hfy_binary_rule rule, const hfy_real *patterns, size_t count, size_t dim,
                                  size_t stride, hfy_real *keys, hfy_real *coupling, hfy_net *net, hfy_work *work);

typedef enum hfy_binary_kind {
    HFY_BINARY_WEIGHTS,   /* E = -1/2 q.Wq; a bit becomes the sign of its row's product */
    HFY_BINARY_POWER,     /* E = -sum F(x_i.q), F = a^degree */
    HFY_BINARY_RECTIFIED, /* F = max(a, 0)^degree */
    HFY_BINARY_EXP        /* F = e^a */
} hfy_binary_kind;

typedef enum hfy_binary_order {
    HFY_BINARY_SYNCHRONOUS, /* all bits at once; may end in a cycle of two states */
    HFY_BINARY_FIXED,       /* bit after bit, 0 .. dim-1 or as `sequence` says; each sees what the last one did */
    HFY_BINARY_RANDOM       /* the same in a fresh random order each sweep */
} hfy_binary_order;

/* A binary memory and how it is run. Borrows its arrays. */
typedef struct hfy_binary {
    size_t dim;
    size_t count;             /* POWER, RECTIFIED, EXP: N patterns of +1 and -1 */
    const hfy_real *patterns; /* N rows of dim */
    size_t stride;            /* 0 = dim */
    const hfy_real *weights;  /* WEIGHTS: dim x dim */
    hfy_binary_kind kind;
    hfy_binary_order order;
    double degree;            /* whole, 2 .. 512; 0 = 3 */
    const size_t *sequence;   /* FIXED: a permutation of 0 .. dim-1; NULL = ascending */
    uint64_t seed;            /* RANDOM: query j draws from a stream of its own, seed + j */
    size_t max_sweeps;        /* 0 = 100 */
} hfy_binary;

/* What a recall can tell: every pointer optional, one entry a query unless said. */
typedef struct hfy_binary_report {
    size_t *sweeps;     /* sweeps made; the last one, if period is 1, changed nothing */
    size_t *flips;      /* bits changed on the way, each time counted */
    size_t *period;     /* 1: stands still; 2: a cycle of two (SYNCHRONOUS); 0: max_sweeps were not enough */
    double *energy;     /* n_queries x (max_sweeps+1): before the first sweep and after each, the tail repeats the last;
                           -INFINITY where it is beyond double */
    double *log_energy; /* the same: ln(-E), which cannot overflow; NaN where E > 0 */
} hfy_binary_report;

/* Runs every query until a sweep changes nothing. queries, out: n_queries x dim, +1 and -1; may be the same. A bit
   whose drive is exactly 0 stays. POWER and RECTIFIED are exact while count (dim+1)^degree < 2^52, else each term is
   rounded once after a scaling by a power of two; EXP takes e^(x_i.q) relative to the largest: nothing overflows at any
   dim. With an asynchronous order the energy never rises (WEIGHTS: if symmetric with a diagonal >= 0).
   Cost a sweep and query: dim count lookups, WEIGHTS dim^2 multiply-adds. Scratch: dim count bytes and little more.
   Errors, nothing written: ARG (NULL, sizes, kind, degree, sequence; an entry of patterns or queries that is neither +1
   nor -1; weights not finite), NOMEM.
   EXAMPLE  hfy_binary memory = {0};
            memory.dim = D, memory.count = N, memory.patterns = x, memory.kind = HFY_BINARY_EXP;
            hfy_binary_recall(&memory, cues, n, recalled, NULL, &work); */
HFY_API hfy_status hfy_binary_recall(const hfy_binary *memory, const hfy_real *queries, size_t n_queries, hfy_real *out,
                                     const hfy_binary_report *report, hfy_work *work);

/* The energies of n states: energy and log_energy (n each, as in hfy_binary_report), either may be NULL. */
HFY_API hfy_status hfy_binary_energy(const hfy_binary *memory, const hfy_real *states, size_t n, double *energy,
                                     double *log_energy, hfy_work *work);

/* ------------------------------------------------------------------------------------------------------------------
   >>kernel   kernel memories of +1 and -1 (KLR-S, KLR-L): training, recall, landscape, spectra, information geometry
   Everything is double in both builds. Patterns and states are packed, a bit an entry: two states differ in d bits,
   |x - y|^2 = 4 d and x.y = dim - 2 d, so a kernel is a table over d = 0 .. dim.
   ------------------------------------------------------------------------------------------------------------------ */

/* 64-bit words that hold dim bits: (dim + 63) / 64. Bit j of a state: word j / 64, bit j % 64, set for +1; bits from
   dim on are 0. */
HFY_API size_t hfy_kernel_words(size_t dim);

/* rows x dim entries of +1 and -1 into rows x words, and back. Errors: ARG (NULL, dim 0, an entry that is neither: the
   message says where; unpacking: bits set from dim on). */
HFY_API hfy_status hfy_kernel_pack(const hfy_real *x, size_t rows, size_t dim, uint64_t *packed, hfy_work *work);
HFY_API hfy_status hfy_kernel_unpack(const uint64_t *packed, size_t rows, size_t dim, hfy_real *x, hfy_work *work);

typedef enum hfy_kernel_kind {
    HFY_KERNEL_RBF,        /* K(x, y) = e^(-gamma |x - y|^2) */
    HFY_KERNEL_POLYNOMIAL, /* (gamma x.y + offset)^degree */
    HFY_KERNEL_LINEAR      /* gamma x.y */
} hfy_kernel_kind;

/* A kernel memory: h(x) = sum over patterns mu of alpha_mu K(x, xi_mu), x_i <- sign h_i(x), h_i = 0 keeps the bit.
   Borrows its arrays. Of alpha, alpha_float and alpha_bytes the first that is not NULL is used, in recall only; all
   else takes alpha. */
typedef struct hfy_kernel {
    size_t dim, count;         /* N neurons (bits), P patterns */
    const uint64_t *patterns;  /* P rows of hfy_kernel_words(dim) */
    hfy_kernel_kind kind;
    double gamma;              /* > 0; 0 = RBF: hfy_kernel_gamma(0.2) = 0.1733, else 1/dim */
    double degree;             /* POLYNOMIAL: whole, 1 .. 64; 0 = 3 */
    double offset;             /* POLYNOMIAL: >= 0 */
    const double *alpha;       /* P x N, row mu belongs to pattern mu */
    const float *alpha_float;  /* the same in float */
    const signed char *alpha_bytes; /* the same as hfy_kernel_quantize made them */
    size_t nearest;            /* recall: only the k nearest patterns count (ties: lowest index); 0 = all */
    hfy_binary_order order;    /* recall: 0 = all bits at once; HFY_BINARY_FIXED, _RANDOM: bit after bit */
    uint64_t seed;             /* RANDOM: state j draws from seed + j */
    size_t max_steps;          /* recall: steps or sweeps; 0 = 30 */
} hfy_kernel;

/* The gamma for which an untrained RBF memory of random patterns stands out of its crosstalk most clearly when a share
   `flipped` of the bits is wrong: ln((1 - flipped) / flipped) / 8, for any number of neurons and patterns. 10 %: 0.275;
   20 %: 0.173; 30 %: 0.106. NaN unless 0 < flipped < 1/2. */
HFY_API double hfy_kernel_gamma(double flipped);

/* gram: P x P kernel values of all pairs of patterns. Cost: P^2/2 dim/64 population counts.
   Errors of this and all that follow: ARG (NULL, dim or count 0, sizes, kind, gamma, degree, offset, bits from dim on,
   kernel values beyond double), NOMEM, UNSUPPORTED (work->isa), before anything is written. */
HFY_API hfy_status hfy_kernel_gram(const hfy_kernel *kernel, double *gram, hfy_work *work);

/* --- training ---
   Neuron i is a logistic regression on the bits of the patterns with the penalty lambda/2 a.K a:
       L(a) = sum over mu of softplus(-xi_mu,i h_mu) + lambda/2 a.K a,   h = K a,   r = sigmoid(h) - y + lambda a,
   gradient K r, optimum r = 0. All N neurons share K and are trained at once. */
typedef enum hfy_kernel_trainer {
    HFY_KERNEL_EXACT,    /* accelerated steps in the metric of K/4 + lambda, one Cholesky factor for all neurons,
                            restart by gradient; tens of iterations to a residual of 1e-8 on any kernel */
    HFY_KERNEL_PAPER,    /* the papers': a <- a - eta K r from 0, full batch, max_iterations of them. Diverges or
                            oscillates where result->stability is above 1 */
    HFY_KERNEL_NEWTON,   /* Newton's method, neuron by neuron: P^3/3 each step, each neuron. A check on the others */
    HFY_KERNEL_RIDGE,    /* kernel ridge regression: (K + lambda)^-1 X. A baseline */
    HFY_KERNEL_PROJECTION, /* the pseudo-inverse rule in feature space: K^+ X. A baseline */
    HFY_KERNEL_RAW       /* X: no training at all. A baseline, and at hfy_kernel_gamma hard to beat */
} hfy_kernel_trainer;

/* What a progress callback is told. */
typedef struct hfy_kernel_progress {
    size_t iteration;  /* made so far; NEWTON: neurons done */
    double residual;   /* max |r| over patterns and neurons where the last step was taken from */
    double residual_0; /* the same at the first step of this call */
} hfy_kernel_progress;

/* How to train. Zeroed (or NULL) = EXACT with the papers' lambda. */
typedef struct hfy_kernel_training {
    size_t max_iterations;     /* 0 = EXACT 2000, PAPER 200, NEWTON 100 (for each neuron) */
    hfy_kernel_trainer trainer;
    double lambda;             /* > 0; 0 = 0.01 */
    int unpenalised;           /* PAPER: 1 = lambda is 0 (no optimum exists for patterns that can be told apart) */
    double eta;                /* PAPER: step > 0; 0 = 0.1 */
    double tol;                /* EXACT, NEWTON: stop at max |r| < tol; 0 = 1e-8. PAPER: 0 = make all steps */
    const double *gram;        /* P x P if you have it already; or NULL: made in scratch */
    int (*progress)(void *context, const hfy_kernel_progress *now); /* after each iteration; not 0 = stop; or NULL */
    void *context;
    double *state;             /* EXACT, PAPER: room for hfy_kernel_state_size doubles, where training stopped; NULL */
    int resume;                /* 1: go on from `state`: the same bits as if it had never stopped */
} hfy_kernel_training;

/* What came of it. */
typedef struct hfy_kernel_result {
    size_t iterations;   /* of all calls, resumed ones included; NEWTON: the most of one neuron */
    double residual;     /* max |r| */
    double loss;         /* sum of L over the neurons; dim count ln 2 at alpha = 0 */
    double gap;          /* loss - minimum is at most this (duality gap): a proof, whatever the trainer; infinity for
                            lambda = 0 */
    double gram_largest; /* largest eigenvalue of K */
    double stability;    /* eta lambda_max(Hessian at 0) / 2: PAPER is stable at 0 below 1 */
    int unstable;        /* PAPER: stability >= 1 */
    int stopped;         /* by the callback */
} hfy_kernel_result;

/* Doubles of state for stopping and resuming: 4 dim count + 8; SIZE_MAX if there is no such size. */
HFY_API size_t hfy_kernel_state_size(size_t dim, size_t count);

/* Trains: alpha (P x N, written at the end). result may be NULL. Cost an iteration: EXACT and PAPER 2 P^2 N
   multiply-adds; EXACT once P^3/6. Scratch: EXACT 2 P^2 + 7 P N doubles, PAPER P^2 + 4 P N, NEWTON 2 P^2 a worker.
   Deterministic for any number of threads. Duplicate and opposite patterns are fine.
   Errors: as hfy_kernel_gram, and ARG for options out of range; NONFINITE (a run that left the range of double),
   SINGULAR (K/4 + lambda not positive definite in rounding), CONVERGENCE of NEWTON: alpha untouched; CONVERGENCE of
   EXACT (tol not reached in max_iterations): alpha and result are written and usable.
   EXAMPLE  hfy_kernel k = {0};
            k.dim = N, k.count = P, k.patterns = packed, k.gamma = 0.05;
            if (!hfy_kernel_train(&k, NULL, alpha, &result, &work)) k.alpha = alpha; */
HFY_API hfy_status hfy_kernel_train(const hfy_kernel *kernel, const hfy_kernel_training *training, double *alpha,
                                    hfy_kernel_result *result, hfy_work *work);

/* alpha (n numbers) in a byte each: bytes = round(alpha / scale), scale = largest |alpha| / 127, returned in *scale
   (may be NULL: recall does not need it). Errors: ARG, NONFINITE. */
HFY_API hfy_status hfy_kernel_quantize(const double *alpha, size_t n, signed char *bytes, double *scale,
                                       hfy_work *work);

/* Fills *net with a net that recalls as this memory does: RBF: -1/2 |x - q|^2, beta = 2 gamma, EXP; LINEAR: DOT,
   IDENTITY; values alpha, SIGN. keys and values: room for P x N, filled here and borrowed by the net. Steps are
   synchronous. Answers are the same bits wherever |h_i| exceeds both sides' rounding, at most
   eps (P + 16 + 8 gamma N) sum over mu of |alpha_mu,i| K(x, xi_mu), eps of hfy_real.
   Errors: as hfy_kernel_gram; UNSUPPORTED (POLYNOMIAL); NONFINITE (alpha beyond hfy_real). */
HFY_API hfy_status hfy_kernel_net(const hfy_kernel *kernel, hfy_real *keys, hfy_real *values, hfy_net *net,
                                  hfy_work *work);

/* --- recall --- */

/* What a recall can tell: every pointer optional, one entry a state. */
typedef struct hfy_kernel_report {
    size_t *steps;   /* made; the last one, if period is 1, changed nothing */
    size_t *period;  /* 1: stands still; 2: a cycle of two (SYNCHRONOUS); 0: max_steps were not enough */
    size_t *flips;   /* bits changed on the way */
} hfy_kernel_report;

/* Runs n packed states until they stand still, turn round between two states, or max_steps are made. states, out: n x
   words, may be the same. RBF values are taken relative to the nearest pattern, so that none of them underflows.
   Cost a step and state: P words population counts, then P N multiply-adds; with `nearest` k N instead. Synchronous
   steps of many states are one matrix product. The bits depend neither on the batch nor on threads.
   Scratch: bit-after-bit orders P N doubles (alpha turned round).
   EXAMPLE  hfy_kernel_recall(&k, cues, n, recalled, NULL, &work); */
HFY_API hfy_status hfy_kernel_recall(const hfy_kernel *kernel, const uint64_t *states, size_t n, uint64_t *out,
                                     const hfy_kernel_report *report, hfy_work *work);

/* h: n x N potentials at n packed states. shift NULL: h itself, which may underflow (RBF); else n exponents, and the
   potential is h e^shift (RBF; 0 for others). */
HFY_API hfy_status hfy_kernel_potentials(const hfy_kernel *kernel, const uint64_t *states, size_t n, double *h,
                                         double *shift, hfy_work *work);

/* Copies `rows` packed states and flips exactly `flips` different bits in each. Each row draws `flips` numbers. */
HFY_API hfy_status hfy_kernel_flip(const uint64_t *states, size_t rows, size_t dim, size_t flips, hfy_rng *rng,
                                   uint64_t *out, hfy_work *work);

/* n random packed states: one number of rng a bit, its top bit. */
HFY_API hfy_status hfy_kernel_random(size_t n, size_t dim, hfy_rng *rng, uint64_t *out, hfy_work *work);

/* --- how good a memory is --- */

/* How the stored patterns stand: share that one synchronous step leaves alone, and the least xi h. Either may be NULL.
   On its own `stored` says nothing: see hfy_kernel_census. */
HFY_API hfy_status hfy_kernel_stored(const hfy_kernel *kernel, double *stored, double *margin, hfy_work *work);

/* Basins: recovered[j] = share of the first `patterns` patterns that come back whole from cues with flips[j] bits
   flipped; overlap (or NULL): the mean x.xi / N at the end. The cues of each j start from a copy of *rng (kept). */
HFY_API hfy_status hfy_kernel_basins(const hfy_kernel *kernel, size_t patterns, const size_t *flips, size_t n_flips,
                                     const hfy_rng *rng, double *recovered, double *overlap, hfy_work *work);

/* What random starts meet. */
typedef struct hfy_kernel_census {
    double fixed;      /* share of random states that are fixed points already: near 1 it is the identity map */
    double stored;     /* share that ends on a stored pattern */
    double opposite;   /* share that ends on the opposite of one */
    double spurious;   /* share that ends on another fixed point */
    double cycles;     /* share that ends in a cycle of two */
    double unsettled;  /* share still moving after max_steps */
    size_t different;  /* how many different spurious fixed points were met */
    double steps;      /* mean number of steps */
} hfy_kernel_census;

/* Starts from n random states (hfy_kernel_random of *rng) and runs them as hfy_kernel_recall does. `fixed` is one
   synchronous step. */
HFY_API hfy_status hfy_kernel_explore(const hfy_kernel *kernel, size_t n, hfy_rng *rng, hfy_kernel_census *census,
                                      hfy_work *work);

/* --- landscape (KLR-L eq. 4 .. 9) ---
   V(x) = -x.h(x), grad V = direct + indirect force. "Force" is the papers' word: the state is pushed against it. */
typedef struct hfy_kernel_geometry {
    double potential;    /* V */
    double sharpness;    /* |grad V|^2: at a stored pattern the Pinnacle Sharpness M */
    double direct;       /* |F_d|^2, F_d = -h */
    double indirect;     /* |F_i|^2, F_i,j = -sum over k of x_k dh_k/dx_j */
    double interference; /* rho, the cosine of F_d and F_i; 0 where undefined */
    int undefined;       /* 1: one of the two is exactly 0 */
} hfy_kernel_geometry;

/* At n points x (n x N, any finite numbers). direct, indirect: n x N force vectors, or NULL; geometry: n, or NULL.
   In the indirect force of an RBF the difference x - xi is taken first, so a stored pattern's own term is exactly 0.
   Cost: 2 P N multiply-adds a point, one by one. NONFINITE in x is an error of the call. */
HFY_API hfy_status hfy_kernel_forces(const hfy_kernel *kernel, const double *x, size_t n, double *direct,
                                     double *indirect, hfy_kernel_geometry *geometry, hfy_work *work);

/* Spectra of a trained memory (KLR-S 3.3, 5; alpha is P x N, so "eigenvalues of alpha" are its singular values).
   Stable rank: sum sigma^2 / sigma_1^2. r = min(P, N). */
typedef struct hfy_kernel_spectrum {
    double alpha_1, alpha_2, alpha_rank;          /* of alpha: sigma_1, sigma_2, stable rank */
    double leading, trailing;                     /* shares of sigma_1^2 and of all others in the sum of squares */
    double operator_1, operator_rank;             /* of K^(1/2) alpha, the weights as an operator in feature space */
    double logits_1, logits_rank;                 /* of K alpha, the potentials at the patterns */
    double effective;                             /* largest eigenvalue of K^(1/2) |alpha| K^(1/2) */
    double gram_1, gram_least, gram_rank;         /* of K: largest, least, trace / largest */
} hfy_kernel_spectrum;

/* gram: P x P, or NULL. Arrays, each or NULL: alpha_values, operator_values, effective_values (r each), gram_values
   (P), largest first. The papers' alpha^(1/2) K alpha^(1/2) exists for square positive alpha only; |alpha| =
   (alpha alpha^T)^(1/2) replaces it. UNSUPPORTED: alpha = 0. Cost: P^3 and min(P, N)^3 multiply-adds, a few times. */
HFY_API hfy_status hfy_kernel_spectra(const hfy_kernel *kernel, const double *gram, hfy_kernel_spectrum *spectrum,
                                      double *alpha_values, double *operator_values, double *effective_values,
                                      double *gram_values, hfy_work *work);

/* --- information geometry of one neuron (KLR-S appendix B) ---
   Fisher information G = K D K, D = diag p(1-p), at any alpha of this neuron. */
typedef struct hfy_kernel_fisher {
    double loss;
    double euclidean;        /* |grad|^2 = |K r|^2 */
    double riemannian;       /* grad.G^-1 grad = sum of r^2 / (p(1-p)), without any inverse */
    double natural;          /* |G^-1 grad|^2, the natural step; NaN where K is singular */
    double log10_riemannian, log10_natural; /* the same, which cannot overflow */
    double damped_riemannian, damped_natural; /* with (G + damping)^-1, as the papers plot them; NaN if damping is 0 */
    double sharpness;        /* largest eigenvalue of the Hessian K D K + lambda K */
} hfy_kernel_fisher;

/* neuron: 0 .. N-1. a: its P dual variables, not those of kernel->alpha. gram: P x P or NULL. lambda >= 0, damping >= 0
   (0: the damped values are NaN and cost nothing). gradient, step: P each, K r and the natural step, or NULL.
   Cost: P^3/6 for the natural step, P^3 with damping. */
HFY_API hfy_status hfy_kernel_information(const hfy_kernel *kernel, size_t neuron, const double *a, const double *gram,
                                          double lambda, double damping, hfy_kernel_fisher *fisher, double *gradient,
                                          double *step, hfy_work *work);

/* The way of the papers' gradient descent for one neuron: arrays of steps + 1 (gains: steps) or NULL, and sums. */
typedef struct hfy_kernel_path {
    double *principal, *tail;     /* information gain of a step, 1/2 delta.G* delta with G* at the end: along the first
                                     eigenvector of G*, and the rest */
    double *progress, *deviation; /* a_t.u / |a_T| and |a_t - (a_t.u) u| / |a_T|, u = a_T / |a_T| */
    hfy_kernel_fisher *fisher;    /* at each step */
    double length;                /* out: |a_T| */
    double path;                  /* out: sum |delta| / |a_T|: 1 if straight */
    double sum_principal, sum_tail;
    double most;                  /* out: largest deviation */
    size_t most_at;               /* out: at which step */
    double fisher_1, fisher_2, concentration; /* out: eigenvalues of G*, the first's share of the trace */
    int ambiguous;                /* out: 1 if fisher_1 / fisher_2 < 1.01: the split is then arbitrary */
    size_t last_principal;        /* out: last step whose principal gain is the larger; SIZE_MAX if none */
} hfy_kernel_path;

/* Runs eta, lambda (0 = 0.1, 0.01) for `steps` steps from 0, twice, so that nothing of the way is stored. in_logits 1:
   progress and deviation in h = K a, the model's natural parameters, instead of a: straightness is the same, distances
   are not. damping: for the fisher array. Errors: as above; ARG (steps 0), NONFINITE (a run that diverged). Cost: 2 P^2
   a step, the fisher array as hfy_kernel_information each step, and one eigenproblem of P. */
HFY_API hfy_status hfy_kernel_follow(const hfy_kernel *kernel, size_t neuron, const double *gram, double eta,
                                     double lambda, size_t steps, int in_logits, double damping, hfy_kernel_path *path,
                                     hfy_work *work);

#endif /* HFY_CORE_ONLY */

#ifdef __cplusplus
}
#endif

#endif /* HFY_H */

/* ==================================================================================================================
   The bodies, in the same order of rooms. A room calls only rooms above it: nothing private is declared ahead.
   Vector kernels are written once, as a template in plain C, and this file includes itself for each instruction set to
   compile them: with HFY_SIMD_PASS_ set only those templates are read, everything else is skipped.
   ================================================================================================================== */
#ifndef HFY_FILE
#define HFY_FILE "hfy.h" /* under which name this file finds itself */
#endif
#if defined(HFY_IMPLEMENTATION) && !defined(HFY_IMPLEMENTED_)
#define HFY_IMPLEMENTED_
#define HFY_BODIES_ /* until the end of this file */

/* ------------------------------------------------------------------------------------------------------------------
   >>base.impl   statuses, messages, bits of floating-point numbers, checked sizes, scratch, random numbers, selection
   May call: libc, libm.   Numerics: NaN and infinity are told by their bits, so that -ffast-math cannot lose them.
   ------------------------------------------------------------------------------------------------------------------ */
#include <float.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#define HFY_PRIVATE_ static __attribute__((unused))
#define HFY_RESTRICT_ __restrict__
#elif defined(_MSC_VER)
#define HFY_PRIVATE_ static
#define HFY_RESTRICT_ __restrict
#else
#define HFY_PRIVATE_ static
#define HFY_RESTRICT_
#endif
#ifndef HFY_MALLOC
#define HFY_MALLOC(bytes) malloc(bytes)
#define HFY_FREE(pointer) free(pointer)
#endif
#ifdef HFY_DOUBLE
#define HFY_REAL_MAX_ DBL_MAX
#define HFY_REAL_MIN_ DBL_MIN
#define HFY_REAL_EPS_ DBL_EPSILON
#else
#define HFY_REAL_MAX_ ((double)FLT_MAX)
#define HFY_REAL_MIN_ ((double)FLT_MIN)
#define HFY_REAL_EPS_ ((double)FLT_EPSILON)
#endif

HFY_API const char *hfy_status_text(hfy_status status)
{
    static const char *const text[] = {
#define HFY_STATUS_TEXT_(name, words) words,
        HFY_STATUS_LIST(HFY_STATUS_TEXT_)
#undef HFY_STATUS_TEXT_
    };
    size_t i = (size_t)status;
    return i < sizeof text / sizeof text[0] ? text[i] : "unknown status";
}

/* --- numbers by their bits --- */

HFY_PRIVATE_ uint64_t hfy_base_bits_(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

HFY_PRIVATE_ int hfy_base_is_nan_(double x)
{
    return (hfy_base_bits_(x) & UINT64_C(0x7FFFFFFFFFFFFFFF)) > UINT64_C(0x7FF0000000000000);
}

HFY_PRIVATE_ int hfy_base_is_finite_(double x)
{
    return (hfy_base_bits_(x) & UINT64_C(0x7FF0000000000000)) != UINT64_C(0x7FF0000000000000);
}

HFY_PRIVATE_ int hfy_base_is_pos_inf_(double x) { return hfy_base_bits_(x) == UINT64_C(0x7FF0000000000000); }

HFY_PRIVATE_ int hfy_base_is_neg_inf_(double x) { return hfy_base_bits_(x) == UINT64_C(0xFFF0000000000000); }

/* --- messages --- */

/* Appends text to a message of `size` bytes; cuts it off where the room ends. */
HFY_PRIVATE_ size_t hfy_base_put_(char *out, size_t size, size_t at, const char *text)
{
    while (*text && at + 1 < size) out[at++] = *text++;
    out[at] = 0;
    return at;
}

/* Decimal digits of a whole number. */
HFY_PRIVATE_ size_t hfy_base_put_whole_(char *out, size_t size, size_t at, uint64_t value)
{
    char digits[24];
    size_t n = sizeof digits - 1;
    digits[n] = 0;
    do {
        digits[--n] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value);
    return hfy_base_put_(out, size, at, digits + n);
}

/* Six significant digits at most. Our own, so that messages need no stdio and no locale turns the point into a comma.
   */
HFY_PRIVATE_ size_t hfy_base_put_number_(char *out, size_t size, size_t at, double x)
{
    char digits[16];
    int exponent, n, i, shown;
    uint64_t m;
    if (hfy_base_is_nan_(x)) return hfy_base_put_(out, size, at, "nan");
    if (hfy_base_bits_(x) >> 63) {
        at = hfy_base_put_(out, size, at, "-");
        x = -x;
    }
    if (!hfy_base_is_finite_(x)) return hfy_base_put_(out, size, at, "inf");
    if (!(x > 0)) return hfy_base_put_(out, size, at, "0");
    exponent = (int)floor(log10(x));
    m = (uint64_t)(exponent < -290 ? x * 1e300 / pow(10.0, exponent + 295) + 0.5 : x / pow(10.0, exponent) * 1e5 + 0.5);
    if (m >= 1000000) m /= 10, exponent++;
    if (m < 100000) m *= 10, exponent--; /* log10 rounded up */
    for (i = 5; i >= 0; i--, m /= 10) digits[i] = (char)('0' + (int)(m % 10));
    for (n = 6; n > 1 && digits[n - 1] == '0';) n--;
    if (exponent >= -5 && exponent < 15) {
        char text[32];
        int len = 0;
        if (exponent < 0) {
            text[len++] = '0', text[len++] = '.';
            for (i = -1; i > exponent; i--) text[len++] = '0';
            for (i = 0; i < n; i++) text[len++] = digits[i];
        } else {
            shown = n > exponent + 1 ? n : exponent + 1;
            for (i = 0; i < shown; i++) {
                if (i == exponent + 1) text[len++] = '.';
                text[len++] = i < 6 ? digits[i] : '0';
            }
        }
        text[len] = 0;
        return hfy_base_put_(out, size, at, text);
    }
    {
        char text[16];
        int len = 0;
        text[len++] = digits[0];
        if (n > 1) text[len++] = '.';
        for (i = 1; i < n; i++) text[len++] = digits[i];
        text[len++] = 'e';
        text[len] = 0;
        at = hfy_base_put_(out, size, at, text);
        if (exponent < 0) at = hfy_base_put_(out, size, at, "-");
        return hfy_base_put_whole_(out, size, at, (uint64_t)(exponent < 0 ? -exponent : exponent));
    }
}

/* Sets work->message and returns status. In words: %s a string, %z a size_t, %g a double. */
HFY_PRIVATE_ hfy_status hfy_base_fail_(hfy_work *work, hfy_status status, const char *words, ...)
{
    va_list list;
    size_t at = 0, size = sizeof work->message;
    char one[2] = {0, 0};
    va_start(list, words);
    work->message[0] = 0;
    for (; *words; words++) {
        if (*words != '%') {
            one[0] = *words;
            at = hfy_base_put_(work->message, size, at, one);
            continue;
        }
        words++;
        if (*words == 's') at = hfy_base_put_(work->message, size, at, va_arg(list, const char *));
        if (*words == 'z') at = hfy_base_put_whole_(work->message, size, at, va_arg(list, size_t));
        if (*words == 'g') at = hfy_base_put_number_(work->message, size, at, va_arg(list, double));
    }
    va_end(list);
    return status;
}

/* --- checked sizes --- */

/* a*b, or SIZE_MAX if that overflows. */
HFY_PRIVATE_ size_t hfy_base_times_(size_t a, size_t b) { return b && a > SIZE_MAX / b ? SIZE_MAX : a * b; }

HFY_PRIVATE_ size_t hfy_base_plus_(size_t a, size_t b) { return a > SIZE_MAX - b ? SIZE_MAX : a + b; }

HFY_PRIVATE_ size_t hfy_base_min_(size_t a, size_t b) { return a < b ? a : b; }

/* Do rows x n elements of `size` bytes fit in memory at all? */
HFY_PRIVATE_ int hfy_base_fits_(size_t rows, size_t n, size_t size)
{
    return hfy_base_times_(hfy_base_times_(rows, n), size) <= (size_t)PTRDIFF_MAX;
}

/* --- scratch ---
   Each room has one `plan` function that takes its arrays from an arena. Run on an arena without memory it only counts;
   run again after hfy_base_reserve_ it hands them out. So the worst case and the layout can never disagree. */
typedef struct hfy_base_arena_ {
    unsigned char *base; /* NULL: counting */
    size_t used;
} hfy_base_arena_;

/* count elements of size bytes, aligned to a cache line; NULL for none. */
HFY_PRIVATE_ void *hfy_base_take_(hfy_base_arena_ *arena, size_t count, size_t size)
{
    size_t at = arena->used, bytes = hfy_base_plus_(hfy_base_times_(count, size), count ? 63 : 0);
    arena->used = hfy_base_plus_(at, bytes == SIZE_MAX ? bytes : bytes & ~(size_t)63);
    return arena->base && count ? arena->base + at : NULL;
}

/* The start of every fallible function: the work to use (a local one for NULL), its message empty. */
HFY_PRIVATE_ hfy_work *hfy_base_open_(hfy_work *work, hfy_work *local)
{
    if (!work) {
        memset(local, 0, sizeof *local);
        work = local;
    }
    work->message[0] = 0;
    work->used = 0;
    return work;
}

/* And its end: what a local work allocated goes. */
HFY_PRIVATE_ hfy_status hfy_base_close_(hfy_work *work, hfy_work *local, hfy_status status)
{
    if (work == local) hfy_work_free(local);
    return status;
}

/* Makes room for what the arena counted and rewinds it onto that memory. */
HFY_PRIVATE_ hfy_status hfy_base_reserve_(hfy_work *work, hfy_base_arena_ *arena)
{
    size_t bytes = hfy_base_plus_(arena->used, arena->used ? 63 : 0); /* the user's buffer may have any alignment */
    size_t shift;
    if (bytes > work->peak) work->peak = bytes;
    if (bytes > work->capacity) {
        void *fresh;
        if (work->buffer && !work->owned)
            return hfy_base_fail_(work, HFY_ERR_NOMEM, "work->capacity is %z; this call needs %z bytes", work->capacity,
                                  bytes);
        fresh = bytes < (size_t)PTRDIFF_MAX ? HFY_MALLOC(bytes) : NULL;
        if (!fresh) return hfy_base_fail_(work, HFY_ERR_NOMEM, "could not allocate %z bytes of scratch", bytes);
        hfy_work_free(work);
        work->buffer = fresh;
        work->capacity = bytes;
        work->owned = 1;
    }
    work->used = bytes;
    if (work->buffer) {
        shift = (64 - (size_t)((uintptr_t)work->buffer & 63)) & 63;
        arena->base = (unsigned char *)work->buffer + shift;
    }
    arena->used = 0;
    return HFY_OK;
}

HFY_API void hfy_work_free(hfy_work *work)
{
    if (!work || !work->owned) return;
    HFY_FREE(work->buffer);
    work->buffer = NULL;
    work->capacity = 0;
    work->owned = 0;
}

/* --- workers ---
   Work is cut into independent tasks, and what a task computes does not depend on who runs it. */
#if defined(HFY_PARALLEL_FOR)
#ifndef HFY_WORKERS
#define HFY_WORKERS 8
#endif
#elif defined(_OPENMP)
#include <omp.h>
#ifndef HFY_WORKERS
#define HFY_WORKERS omp_get_max_threads()
#endif
#define HFY_PARALLEL_FOR(n, body, context) hfy_base_openmp_(n, body, context)

HFY_PRIVATE_ void hfy_base_openmp_(size_t n, void (*body)(void *context, size_t i), void *context)
{
    ptrdiff_t i, end = (ptrdiff_t)n;
#pragma omp parallel for schedule(dynamic, 1)
    for (i = 0; i < end; i++) body(context, (size_t)i);
}
#else
#undef HFY_WORKERS
#define HFY_WORKERS 1
#define HFY_PARALLEL_FOR(n, body, context)                                                                             \
    do {                                                                                                               \
        size_t task_;                                                                                                  \
        for (task_ = 0; task_ < (n); task_++) (body)(context, task_);                                                  \
    } while (0)
#endif

/* How many tasks run at once: each needs scratch of its own. */
HFY_PRIVATE_ size_t hfy_base_workers_(void)
{
    long workers = (long)HFY_WORKERS;
    return workers < 1 ? 1 : workers > 1024 ? 1024 : (size_t)workers;
}

/* body(context, i) once for every i below n, in any order or at the same time; back when all are done. */
HFY_PRIVATE_ void hfy_base_parallel_(size_t n, void (*body)(void *context, size_t i), void *context)
{
    if (n == 1)
        body(context, 0);
    else if (n)
        HFY_PARALLEL_FOR(n, body, context);
}

/* --- random numbers (Steele, Lea, Flood 2014: SplitMix64) --- */

HFY_API hfy_rng hfy_rng_seed(uint64_t seed)
{
    hfy_rng rng;
    rng.state = seed;
    rng.cached = 0;
    rng.has_cached = 0;
    return rng;
}

HFY_API uint64_t hfy_rng_u64(hfy_rng *rng)
{
    uint64_t z = (rng->state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

HFY_API double hfy_rng_uniform(hfy_rng *rng) { return (double)(hfy_rng_u64(rng) >> 11) * (1.0 / 9007199254740992.0); }

HFY_API double hfy_rng_normal(hfy_rng *rng)
{
    const double two_pi = 6.283185307179586476925;
    double u, v, r;
    if (rng->has_cached) {
        rng->has_cached = 0;
        return rng->cached;
    }
    u = 1.0 - hfy_rng_uniform(rng); /* in (0, 1]: the logarithm is finite */
    v = hfy_rng_uniform(rng);
    r = sqrt(-2.0 * log(u));
    rng->cached = r * sin(two_pi * v);
    rng->has_cached = 1;
    return r * cos(two_pi * v);
}

HFY_API double hfy_rng_sign(hfy_rng *rng) { return hfy_rng_u64(rng) >> 63 ? 1.0 : -1.0; }

/* --- selection and sorting --- */

/* The k-th largest (k = 1 .. n) of x, expected O(n); x may be permuted. No NaN inside. Three-way partition around a
   pseudo-random pivot, so neither ties nor sorted input are slow. */
HFY_PRIVATE_ double hfy_base_kth_largest_(double *x, size_t n, size_t k)
{
    size_t lo = 0, hi = n, want = k - 1;
    uint64_t dice = UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)n;
    if (k <= 8) { /* few: one pass with the best so far in order */
        double best[8];
        size_t have = 0, i, at;
        for (i = 0; i < n; i++) {
            double v = x[i];
            if (have == k && !(v > best[k - 1])) continue;
            for (at = have < k ? have++ : k - 1; at && best[at - 1] < v; at--) best[at] = best[at - 1];
            best[at] = v;
        }
        return best[k - 1];
    }
    for (;;) {
        double pivot;
        size_t above = lo, i = lo, below = hi;
        if (hi - lo == 1) return x[lo];
        dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
        pivot = x[lo + (size_t)(dice % (uint64_t)(hi - lo))];
        while (i < below) { /* x[lo..above) > pivot, x[above..i) == pivot, x[below..hi) < pivot */
            double v = x[i];
            if (v > pivot) {
                x[i++] = x[above];
                x[above++] = v;
            } else if (v < pivot) {
                x[i] = x[--below];
                x[below] = v;
            } else {
                i++;
            }
        }
        if (want < above)
            hi = above;
        else if (want < below)
            return pivot;
        else
            lo = below;
    }
}

/* Ascending, in place, no recursion and no worst case: heapsort. */
HFY_PRIVATE_ void hfy_base_sort_(double *x, size_t n)
{
    size_t start = n / 2, end = n;
    while (end > 1) {
        size_t root, child;
        double v;
        if (start) {
            v = x[--start];
        } else {
            v = x[--end];
            x[end] = x[0];
        }
        for (root = start; (child = 2 * root + 1) < end; root = child) {
            if (child + 1 < end && x[child + 1] > x[child]) child++;
            if (!(x[child] > v)) break;
            x[root] = x[child];
        }
        x[root] = v;
    }
}

/* ------------------------------------------------------------------------------------------------------------------
   >>simd.impl   the kernels, one table of them for each instruction set
   May call: base.
   How: plain C (the definition of every kernel); then one template over a small vocabulary of vector operations,
   compiled for SSE2, AVX2+FMA, AVX-512 and NEON by this file including itself. On x86 each function carries its
   instruction set as an attribute, so a plain `cc -O2` makes them all and the machine decides at run time; NEON is
   decided by the compiler.
   Numerics: one canonical dot. The products of a row run along the dimension into LANES accumulators, lane l taking
   elements l, l + LANES, ...; then the lanes are folded in halves; sums of BLOCK elements are added in double. Every
   (row, query) pair is summed this way whatever tile it stands in, so a query's bits do not depend on its batch.
   A projection adds rows one by one in ascending order, skips zero weights, and starts from -0 so that a weight of 1
   copies its row to the bit. Multiply-adds are fused where the instruction set has them, in tails too, and never else.
   exp is within 1 ulp (float) or 2 ulp (double), denormal results included, and makes no denormal on its way.
   Every instruction set gives the same bits for the same call on every machine; two of them agree but for rounding.
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_SIMD_LANES_ 16   /* accumulators of the scalar dot */
#define HFY_SIMD_BLOCK_ 2048 /* elements of a dot before it moves to double */

#if defined(__GNUC__)
#define HFY_SIMD_NOINLINE_ __attribute__((noinline))
#else
#define HFY_SIMD_NOINLINE_
#endif

/* Which vector kernels this compiler can make. */
#if !defined(HFY_NO_SIMD)
#if (defined(__x86_64__) || defined(__i386__)) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 8))
#define HFY_SIMD_X86_
#include <immintrin.h>
#elif defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86)) && !defined(_M_ARM64EC)
#define HFY_SIMD_X86_
#include <immintrin.h>
#include <intrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 8))
#define HFY_SIMD_NEON_
#include <arm_neon.h>
#endif
#endif

/* out[j*out_stride + i] = pairwise(x_i, q_j) for rows x_i and nq queries q_j of dim. */
typedef void hfy_simd_pairs_(const hfy_real *x, size_t x_stride, size_t rows, const hfy_real *q, size_t q_stride,
                             size_t nq, size_t dim, hfy_real *out, size_t out_stride);

typedef struct hfy_simd_ {
    const char *name;
    hfy_isa isa;
    hfy_simd_pairs_ *dot;       /* <x, q> */
    hfy_simd_pairs_ *euclidean; /* |x - q|^2 */
    hfy_simd_pairs_ *manhattan; /* |x - q|_1 */
    /* z_j += sum over i of w[j*w_stride + i] x_i, in ascending i, zero weights skipped */
    void (*combine)(const hfy_real *w, size_t w_stride, size_t nq, const hfy_real *x, size_t x_stride, size_t rows,
                    size_t dim, hfy_real *z, size_t z_stride);
    /* the same for one query and the listed rows: z += sum over l of w[l] x[index[l]], index ascending */
    void (*gather)(const size_t *index, const hfy_real *w, size_t count, const hfy_real *x, size_t x_stride, size_t dim,
                   hfy_real *z);
    /* the largest of n >= 1; NaN if any is NaN */
    hfy_real (*max)(const hfy_real *x, size_t n);
    /* Lists, ascending, the i whose distance d = (double)max - (double)x[i] is below width, or 0: index and delta get i
       and d; returns how many. max: the largest of x. index, delta: room for n. Fast where few are kept. */
    size_t (*window)(const hfy_real *x, size_t n, hfy_real max, double width, size_t *index, double *delta);
    /* y[i] = e^(x[i] - max), within 2 ulp of exact, 0 below 1e-37 (double: 1e-300). y may be x. Returns their sum, in
       double (float: added four at a time in float). */
    double (*softmax)(const hfy_real *x, size_t n, hfy_real max, hfy_real *y);
    void (*scale)(hfy_real *y, size_t n, double a);                 /* y = a y, a rounded to hfy_real */
    void (*exp)(const hfy_real *x, size_t n, hfy_real *y);          /* y = e^x; y may be x */
    /* Double precision whatever hfy_real is: candidates and their distances d from the largest score. */
    /* r = max(t - d, 0): sums = {how many d < t, sum of r, sum of r^2} */
    void (*below)(const double *d, size_t n, double t, double sums[3]);
    /* Keeps those d < t (with their index), in order; returns how many. */
    size_t (*keep_below)(double *d, size_t *index, size_t n, double t);
    /* b = 1 - u d; p = b^e where b > 0, else 0; sums = {sum of p, sum of p/b over p > 0}. p may be d. */
    void (*powers)(const double *d, size_t n, double u, double e, double *p, double sums[2]);
    /* y = v - tau cut to lower (NULL: 0) and upper (NULL: cap); sums = {sum of y, how many lie strictly between} */
    void (*clip)(const double *v, const double *lower, const double *upper, double cap, size_t n, double tau,
                 double sums[2]);
} hfy_simd_;

/* --- scalar: plain C, the definition of every kernel --- */

HFY_PRIVATE_ double hfy_simd_fold_scalar_(hfy_real *lane)
{
    size_t half, l;
    for (half = HFY_SIMD_LANES_ / 2; half; half /= 2)
        for (l = 0; l < half; l++) lane[l] += lane[l + half];
    return (double)lane[0];
}

/* One pair of each kind; `of` is what a single element adds. */
#define HFY_SIMD_PAIR_SCALAR_(name, of)                                                                                \
    HFY_PRIVATE_ HFY_SIMD_NOINLINE_ hfy_real name(const hfy_real *x, const hfy_real *q, size_t dim)                    \
    {                                                                                                                  \
        double total = 0;                                                                                              \
        do {                                                                                                           \
            hfy_real lane[HFY_SIMD_LANES_] = {0};                                                                      \
            size_t n = hfy_base_min_(dim, HFY_SIMD_BLOCK_), i, l;                                                      \
            for (i = 0; i + HFY_SIMD_LANES_ <= n; i += HFY_SIMD_LANES_)                                                \
                for (l = 0; l < HFY_SIMD_LANES_; l++) {                                                                \
                    hfy_real a = x[i + l], b = q[i + l];                                                               \
                    lane[l] += of;                                                                                     \
                }                                                                                                      \
            for (l = 0; i + l < n; l++) {                                                                              \
                hfy_real a = x[i + l], b = q[i + l];                                                                   \
                lane[l] += of;                                                                                         \
            }                                                                                                          \
            total += hfy_simd_fold_scalar_(lane);                                                                      \
            x += n, q += n, dim -= n;                                                                                  \
        } while (dim);                                                                                                 \
        return (hfy_real)total;                                                                                        \
    }
HFY_SIMD_PAIR_SCALAR_(hfy_simd_dot1_scalar_, a *b)
HFY_SIMD_PAIR_SCALAR_(hfy_simd_euclidean1_scalar_, (a - b) * (a - b))
HFY_SIMD_PAIR_SCALAR_(hfy_simd_manhattan1_scalar_, a > b ? a - b : b - a)

#define HFY_SIMD_PAIRS_SCALAR_(name, pair)                                                                             \
    HFY_PRIVATE_ void name(const hfy_real *x, size_t x_stride, size_t rows, const hfy_real *q, size_t q_stride,        \
                           size_t nq, size_t dim, hfy_real *out, size_t out_stride)                                    \
    {                                                                                                                  \
        size_t i, j;                                                                                                   \
        for (i = 0; i < rows; i++)                                                                                     \
            for (j = 0; j < nq; j++) out[j * out_stride + i] = pair(x + i * x_stride, q + j * q_stride, dim);          \
    }
HFY_SIMD_PAIRS_SCALAR_(hfy_simd_dot_scalar_, hfy_simd_dot1_scalar_)
HFY_SIMD_PAIRS_SCALAR_(hfy_simd_euclidean_scalar_, hfy_simd_euclidean1_scalar_)
HFY_SIMD_PAIRS_SCALAR_(hfy_simd_manhattan_scalar_, hfy_simd_manhattan1_scalar_)
#undef HFY_SIMD_PAIR_SCALAR_
#undef HFY_SIMD_PAIRS_SCALAR_

HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_simd_axpy_scalar_(hfy_real w, const hfy_real *HFY_RESTRICT_ x, size_t dim,
                                                            hfy_real *HFY_RESTRICT_ z)
{
    size_t d;
    for (d = 0; d < dim; d++) z[d] += w * x[d];
}

HFY_PRIVATE_ void hfy_simd_combine_scalar_(const hfy_real *w, size_t w_stride, size_t nq, const hfy_real *x,
                                           size_t x_stride, size_t rows, size_t dim, hfy_real *z, size_t z_stride)
{
    size_t i, j;
    for (i = 0; i < rows; i++)
        for (j = 0; j < nq; j++) {
            hfy_real a = w[j * w_stride + i];
            if (a > 0 || a < 0) hfy_simd_axpy_scalar_(a, x + i * x_stride, dim, z + j * z_stride);
        }
}

HFY_PRIVATE_ void hfy_simd_gather_scalar_(const size_t *index, const hfy_real *w, size_t count, const hfy_real *x,
                                          size_t x_stride, size_t dim, hfy_real *z)
{
    size_t l;
    for (l = 0; l < count; l++)
        if (w[l] > 0 || w[l] < 0) hfy_simd_axpy_scalar_(w[l], x + index[l] * x_stride, dim, z);
}

HFY_PRIVATE_ hfy_real hfy_simd_max_scalar_(const hfy_real *x, size_t n)
{
    hfy_real most = x[0];
    size_t i;
    for (i = 0; i < n; i++) {
        if (hfy_base_is_nan_((double)x[i])) return x[i];
        if (x[i] > most) most = x[i];
    }
    return most;
}

HFY_PRIVATE_ size_t hfy_simd_window_scalar_(const hfy_real *x, size_t n, hfy_real max, double width, size_t *index,
                                            double *delta)
{
    size_t i, count = 0;
    for (i = 0; i < n; i++) {
        double d = (double)max - (double)x[i];
        if (d < width || d <= 0) index[count] = i, delta[count++] = d;
    }
    return count;
}

#ifdef HFY_DOUBLE
#define HFY_SIMD_TINY_ (-690.7755278982137) /* log 1e-300: softmax is 0 below */
#else
#define HFY_SIMD_TINY_ (-85.195648) /* log 1e-37 */
#endif

HFY_PRIVATE_ double hfy_simd_softmax_scalar_(const hfy_real *x, size_t n, hfy_real max, hfy_real *y)
{
    double sum = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        double a = (double)x[i], m = (double)max, d = a - m, e = 0;
        if (d >= HFY_SIMD_TINY_) {
            double part = d - a; /* what the subtraction lost (Knuth): lost = (a - (d - part)) - (m + part) */
            double lost = (a - (d - part)) - (m + part);
            e = exp(d);
            e += e * lost;
        }
        y[i] = (hfy_real)e;
        sum += (double)y[i];
    }
    return sum;
}

HFY_PRIVATE_ void hfy_simd_scale_scalar_(hfy_real *y, size_t n, double a)
{
    size_t i;
    for (i = 0; i < n; i++) y[i] = (hfy_real)a * y[i];
}

HFY_PRIVATE_ void hfy_simd_exp_scalar_(const hfy_real *x, size_t n, hfy_real *y)
{
    size_t i;
    for (i = 0; i < n; i++) y[i] = (hfy_real)exp((double)x[i]);
}

HFY_PRIVATE_ void hfy_simd_below_scalar_(const double *d, size_t n, double t, double sums[3])
{
    double count = 0, sum = 0, square = 0;
    size_t i;
    for (i = 0; i < n; i++)
        if (d[i] < t) {
            double r = t - d[i];
            count += 1, sum += r, square += r * r;
        }
    sums[0] = count, sums[1] = sum, sums[2] = square;
}

HFY_PRIVATE_ size_t hfy_simd_keep_below_scalar_(double *d, size_t *index, size_t n, double t)
{
    size_t i, count = 0;
    for (i = 0; i < n; i++)
        if (d[i] < t) d[count] = d[i], index[count++] = index[i];
    return count;
}

HFY_PRIVATE_ void hfy_simd_powers_scalar_(const double *d, size_t n, double u, double e, double *p, double sums[2])
{
    double sum = 0, slope = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        double v = -u * d[i], b = 1 + v, y = b > 0 ? exp(e * log1p(v)) : 0;
        sum += y;
        if (y > 0) slope += y / b;
        p[i] = y;
    }
    sums[0] = sum, sums[1] = slope;
}

HFY_PRIVATE_ void hfy_simd_clip_scalar_(const double *v, const double *lower, const double *upper, double cap, size_t n,
                                        double tau, double sums[2])
{
    double sum = 0, between = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        double y = v[i] - tau, low = lower ? lower[i] : 0, high = upper ? upper[i] : cap;
        between += y > low && y < high;
        sum += y < low ? low : y > high ? high : y;
    }
    sums[0] = sum, sums[1] = between;
}

static const hfy_simd_ hfy_simd_scalar_ = {"scalar",
                                           HFY_ISA_SCALAR,
                                           hfy_simd_dot_scalar_,
                                           hfy_simd_euclidean_scalar_,
                                           hfy_simd_manhattan_scalar_,
                                           hfy_simd_combine_scalar_,
                                           hfy_simd_gather_scalar_,
                                           hfy_simd_max_scalar_,
                                           hfy_simd_window_scalar_,
                                           hfy_simd_softmax_scalar_,
                                           hfy_simd_scale_scalar_,
                                           hfy_simd_exp_scalar_,
                                           hfy_simd_below_scalar_,
                                           hfy_simd_keep_below_scalar_,
                                           hfy_simd_powers_scalar_,
                                           hfy_simd_clip_scalar_};

#endif /* HFY_BODIES_ rest while the templates are defined */

/* --- the vocabulary of the templates: what a vector of this pass can do ---
   HFY_F_(op) acts on float, HFY_D_(op) on double, HFY_V_(op) on the precision of the pass: HFY_V_(vec) is the vector,
   HFY_V_(tail) knows the first n lanes (n < LANES), HFY_V_(cond) is one truth per lane. */
#ifdef HFY_SIMD_PASS_

#define HFY_PASTE_3_(name, type, isa) hfy_simd_##name##_##type##_##isa##_
#define HFY_PASTE_(name, type, isa) HFY_PASTE_3_(name, type, isa)
#define HFY_F_(name) HFY_PASTE_(name, f32, HFY_ISA_)
#define HFY_D_(name) HFY_PASTE_(name, f64, HFY_ISA_)
#define HFY_PASTE_G3_(name, type, isa) hfy_linalg_##name##_##type##_##isa##_
#define HFY_PASTE_G_(name, type, isa) HFY_PASTE_G3_(name, type, isa)
#if defined(HFY_GEMM_PASS_) ? HFY_GEMM_PASS_ == 64 : defined(HFY_DOUBLE)
#define HFY_V_(name) HFY_PASTE_(name, f64, HFY_ISA_)
#define HFY_G_(name) HFY_PASTE_G_(name, f64, HFY_ISA_)
#define HFY_S_ double
#define HFY_LANES_ (HFY_BYTES_ / 8)
#else
#define HFY_V_(name) HFY_PASTE_(name, f32, HFY_ISA_)
#define HFY_G_(name) HFY_PASTE_G_(name, f32, HFY_ISA_)
#define HFY_S_ float
#define HFY_LANES_ (HFY_BYTES_ / 4)
#endif

/* ROWS x QUERIES accumulators of a dot tile, STRIP x BATCH of a projection. */
#if HFY_SIMD_PASS_ == 1 /* one lane: for templates that need no more */
#define HFY_ISA_ scalar
#define HFY_BYTES_ (HFY_GEMM_PASS_ / 8)
#elif HFY_SIMD_PASS_ == 2
#define HFY_ISA_ sse2
#define HFY_TARGET_ATTRIBUTE_ "sse2"
#define HFY_REGISTER_ "+x"
#define HFY_BYTES_ 16
#define HFY_ROWS_ 4
#define HFY_QUERIES_ 2
#define HFY_STRIP_ 2
#define HFY_BATCH_ 4
#elif HFY_SIMD_PASS_ == 3
#define HFY_ISA_ avx2
#define HFY_TARGET_ATTRIBUTE_ "avx2,fma,popcnt"
#define HFY_REGISTER_ "+x"
#define HFY_BYTES_ 32
#define HFY_ROWS_ 4
#define HFY_QUERIES_ 3
#define HFY_STRIP_ 3
#define HFY_BATCH_ 4
#elif HFY_SIMD_PASS_ == 4
#define HFY_ISA_ avx512
#define HFY_TARGET_ATTRIBUTE_ "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,popcnt"
#define HFY_REGISTER_ "+v"
#define HFY_BYTES_ 64
#define HFY_ROWS_ 8
#define HFY_QUERIES_ 3
#define HFY_STRIP_ 3
#define HFY_BATCH_ 8
#else
#define HFY_ISA_ neon
#define HFY_REGISTER_ "+w"
#define HFY_BYTES_ 16
#define HFY_ROWS_ 8
#define HFY_QUERIES_ 3
#define HFY_STRIP_ 3
#define HFY_BATCH_ 8
#endif

#if defined(HFY_TARGET_ATTRIBUTE_) && defined(__GNUC__)
#define HFY_TARGET_ static __attribute__((unused, target(HFY_TARGET_ATTRIBUTE_)))
#define HFY_INLINE_ static inline __attribute__((always_inline, unused, target(HFY_TARGET_ATTRIBUTE_)))
#elif defined(__GNUC__)
#define HFY_TARGET_ static __attribute__((unused))
#define HFY_INLINE_ static inline __attribute__((always_inline, unused))
#else
#define HFY_TARGET_ static
#define HFY_INLINE_ static __forceinline
#endif
/* Arrays of vectors become registers once their loops are unrolled. */
#if defined(__clang__)
#define HFY_UNROLL_ _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define HFY_UNROLL_ _Pragma("GCC unroll 32")
#else
#define HFY_UNROLL_
#endif
/* Keeps a value in its register: gcc would rather load it again for every use. */
#if defined(__GNUC__) && HFY_SIMD_PASS_ != 1
#define HFY_PIN_(v) __asm__("" : HFY_REGISTER_(v))
#else
#define HFY_PIN_(v) (void)0
#endif
#if defined(__GNUC__)
#define HFY_PREFETCH_(address) __builtin_prefetch((const void *)(address), 0, 3)
#define HFY_PREFETCH_L2_(address) __builtin_prefetch((const void *)(address), 0, 2)
#else
#define HFY_PREFETCH_(address) _mm_prefetch((const char *)(address), _MM_HINT_T0)
#define HFY_PREFETCH_L2_(address) _mm_prefetch((const char *)(address), _MM_HINT_T1)
#endif

#ifndef HFY_GEMM_PASS_

#if HFY_SIMD_PASS_ != 5 /* x86 */
#if HFY_SIMD_PASS_ == 2
#define HFY_MM_(op) _mm_##op
#define HFY_MM_INT_(op) _mm_##op##_si128
#define HFY_MM_CAST_(type) _mm_castsi128_##type
#define HFY_MM_SET64_ _mm_set1_epi64x
typedef __m128 HFY_F_(vec);
typedef __m128d HFY_D_(vec);
typedef __m128i HFY_D_(whole);
#elif HFY_SIMD_PASS_ == 3
#define HFY_MM_(op) _mm256_##op
#define HFY_MM_INT_(op) _mm256_##op##_si256
#define HFY_MM_CAST_(type) _mm256_castsi256_##type
#define HFY_MM_SET64_ _mm256_set1_epi64x
typedef __m256 HFY_F_(vec);
typedef __m256d HFY_D_(vec);
typedef __m256i HFY_D_(whole);
#else
#define HFY_MM_(op) _mm512_##op
#define HFY_MM_INT_(op) _mm512_##op##_si512
#define HFY_MM_CAST_(type) _mm512_castsi512_##type
#define HFY_MM_SET64_ _mm512_set1_epi64
typedef __m512 HFY_F_(vec);
typedef __m512d HFY_D_(vec);
typedef __m512i HFY_D_(whole);
#endif

HFY_INLINE_ HFY_F_(vec) HFY_F_(zero)(void) { return HFY_MM_(setzero_ps)(); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(zero)(void) { return HFY_MM_(setzero_pd)(); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(set)(float a) { return HFY_MM_(set1_ps)(a); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(set)(double a) { return HFY_MM_(set1_pd)(a); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(load)(const float *p) { return HFY_MM_(loadu_ps)(p); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(load)(const double *p) { return HFY_MM_(loadu_pd)(p); }
HFY_INLINE_ void HFY_F_(store)(float *p, HFY_F_(vec) a) { HFY_MM_(storeu_ps)(p, a); }
HFY_INLINE_ void HFY_D_(store)(double *p, HFY_D_(vec) a) { HFY_MM_(storeu_pd)(p, a); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(add)(HFY_F_(vec) a, HFY_F_(vec) b) { return HFY_MM_(add_ps)(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(add)(HFY_D_(vec) a, HFY_D_(vec) b) { return HFY_MM_(add_pd)(a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(sub)(HFY_F_(vec) a, HFY_F_(vec) b) { return HFY_MM_(sub_ps)(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(sub)(HFY_D_(vec) a, HFY_D_(vec) b) { return HFY_MM_(sub_pd)(a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(mul)(HFY_F_(vec) a, HFY_F_(vec) b) { return HFY_MM_(mul_ps)(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(mul)(HFY_D_(vec) a, HFY_D_(vec) b) { return HFY_MM_(mul_pd)(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(div)(HFY_D_(vec) a, HFY_D_(vec) b) { return HFY_MM_(div_pd)(a, b); }
/* The second operand where either is NaN. */
HFY_INLINE_ HFY_F_(vec) HFY_F_(max)(HFY_F_(vec) a, HFY_F_(vec) b) { return HFY_MM_(max_ps)(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(max)(HFY_D_(vec) a, HFY_D_(vec) b) { return HFY_MM_(max_pd)(a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(min)(HFY_F_(vec) a, HFY_F_(vec) b) { return HFY_MM_(min_ps)(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(min)(HFY_D_(vec) a, HFY_D_(vec) b) { return HFY_MM_(min_pd)(a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(abs)(HFY_F_(vec) a) { return HFY_MM_(andnot_ps)(HFY_MM_(set1_ps)(-0.0f), a); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(abs)(HFY_D_(vec) a) { return HFY_MM_(andnot_pd)(HFY_MM_(set1_pd)(-0.0), a); }

#if HFY_SIMD_PASS_ == 2
/* A compiler that may use FMA for the whole file must not fuse here. */
#if (defined(__FMA__) || defined(__FMA4__)) && defined(__GNUC__)
#define HFY_SEPARATE_(v) __asm__("" : HFY_REGISTER_(v))
#else
#define HFY_SEPARATE_(v) (void)0
#endif
HFY_INLINE_ HFY_F_(vec) HFY_F_(fma)(HFY_F_(vec) a, HFY_F_(vec) b, HFY_F_(vec) c)
{
    __m128 product = _mm_mul_ps(a, b);
    HFY_SEPARATE_(product);
    return _mm_add_ps(product, c);
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(fma)(HFY_D_(vec) a, HFY_D_(vec) b, HFY_D_(vec) c)
{
    __m128d product = _mm_mul_pd(a, b);
    HFY_SEPARATE_(product);
    return _mm_add_pd(product, c);
}
HFY_INLINE_ HFY_F_(vec) HFY_F_(fnma)(HFY_F_(vec) a, HFY_F_(vec) b, HFY_F_(vec) c)
{
    __m128 product = _mm_mul_ps(a, b);
    HFY_SEPARATE_(product);
    return _mm_sub_ps(c, product);
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(fnma)(HFY_D_(vec) a, HFY_D_(vec) b, HFY_D_(vec) c)
{
    __m128d product = _mm_mul_pd(a, b);
    HFY_SEPARATE_(product);
    return _mm_sub_pd(c, product);
}
#undef HFY_SEPARATE_
#else
HFY_INLINE_ HFY_F_(vec) HFY_F_(fma)(HFY_F_(vec) a, HFY_F_(vec) b, HFY_F_(vec) c) { return HFY_MM_(fmadd_ps)(a, b, c); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(fma)(HFY_D_(vec) a, HFY_D_(vec) b, HFY_D_(vec) c) { return HFY_MM_(fmadd_pd)(a, b, c); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(fnma)(HFY_F_(vec) a, HFY_F_(vec) b, HFY_F_(vec) c)
{
    return HFY_MM_(fnmadd_ps)(a, b, c);
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(fnma)(HFY_D_(vec) a, HFY_D_(vec) b, HFY_D_(vec) c)
{
    return HFY_MM_(fnmadd_pd)(a, b, c);
}
#endif

/* To whole numbers; 2^n p for whole n and a result that stays normal; round(v) bits as a number: v units of the least
   denormal, 0 <= v <= 2^23 (2^52), made without touching one. */
#if HFY_SIMD_PASS_ == 2
HFY_INLINE_ HFY_F_(vec) HFY_F_(round)(HFY_F_(vec) a) { return _mm_cvtepi32_ps(_mm_cvtps_epi32(a)); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(round)(HFY_D_(vec) a) { return _mm_cvtepi32_pd(_mm_cvtpd_epi32(a)); }
HFY_INLINE_ HFY_D_(whole) HFY_D_(to_whole)(HFY_D_(vec) a)
{
    return _mm_unpacklo_epi32(_mm_cvtpd_epi32(a), _mm_setzero_si128()); /* the low 32 bits do */
}
#elif HFY_SIMD_PASS_ == 3
HFY_INLINE_ HFY_F_(vec) HFY_F_(round)(HFY_F_(vec) a) { return _mm256_round_ps(a, 8); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(round)(HFY_D_(vec) a) { return _mm256_round_pd(a, 8); }
HFY_INLINE_ HFY_D_(whole) HFY_D_(to_whole)(HFY_D_(vec) a) { return _mm256_cvtepi32_epi64(_mm256_cvtpd_epi32(a)); }
#else
HFY_INLINE_ HFY_F_(vec) HFY_F_(round)(HFY_F_(vec) a) { return _mm512_cvtepi32_ps(_mm512_cvtps_epi32(a)); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(round)(HFY_D_(vec) a) { return _mm512_cvtepi64_pd(_mm512_cvtpd_epi64(a)); }
HFY_INLINE_ HFY_D_(whole) HFY_D_(to_whole)(HFY_D_(vec) a) { return _mm512_cvtpd_epi64(a); }
#endif
HFY_INLINE_ HFY_F_(vec) HFY_F_(scale2)(HFY_F_(vec) p, HFY_F_(vec) n)
{
    return HFY_MM_CAST_(ps)(
        HFY_MM_(add_epi32)(HFY_MM_INT_(castps)(p), HFY_MM_(slli_epi32)(HFY_MM_(cvtps_epi32)(n), 23)));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(scale2)(HFY_D_(vec) p, HFY_D_(vec) n)
{
    return HFY_MM_CAST_(pd)(HFY_MM_(add_epi64)(HFY_MM_INT_(castpd)(p), HFY_MM_(slli_epi64)(HFY_D_(to_whole)(n), 52)));
}
HFY_INLINE_ HFY_F_(vec) HFY_F_(denormal)(HFY_F_(vec) v)
{
    return HFY_MM_CAST_(ps)(HFY_MM_(sub_epi32)(HFY_MM_INT_(castps)(HFY_MM_(add_ps)(v, HFY_MM_(set1_ps)(8388608.0f))),
                                               HFY_MM_(set1_epi32)(0x4B000000)));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(denormal)(HFY_D_(vec) v)
{
    return HFY_MM_CAST_(pd)(
        HFY_MM_(sub_epi64)(HFY_MM_INT_(castpd)(HFY_MM_(add_pd)(v, HFY_MM_(set1_pd)(4503599627370496.0))),
                           HFY_MM_SET64_(INT64_C(0x4330000000000000))));
}

/* a = 2^k m with m in [sqrt(1/2), sqrt 2), for positive normal a. */
HFY_INLINE_ HFY_D_(vec) HFY_D_(mantissa)(HFY_D_(vec) a, HFY_D_(vec) *k)
{
    const HFY_D_(whole) half = HFY_MM_SET64_(INT64_C(0x3FE6A09E667F3BCD)); /* sqrt(1/2) */
    HFY_D_(whole) t = HFY_MM_(add_epi64)(HFY_MM_(sub_epi64)(HFY_MM_INT_(castpd)(a), half),
                                         HFY_MM_SET64_(INT64_C(0x3FF0000000000000)));
    HFY_D_(whole) biased = HFY_MM_INT_(or)(HFY_MM_(srli_epi64)(t, 52), HFY_MM_SET64_(INT64_C(0x4330000000000000)));
    *k = HFY_MM_(sub_pd)(HFY_MM_CAST_(pd)(biased), HFY_MM_(set1_pd)(4503599627370496.0 + 1023.0));
    return HFY_MM_CAST_(pd)(
        HFY_MM_(add_epi64)(HFY_MM_INT_(and)(t, HFY_MM_SET64_(INT64_C(0x000FFFFFFFFFFFFF))), half));
}

#if HFY_SIMD_PASS_ == 4
typedef __mmask16 HFY_F_(tail);
typedef __mmask8 HFY_D_(tail);
typedef __mmask16 HFY_F_(cond);
typedef __mmask8 HFY_D_(cond);
HFY_INLINE_ HFY_F_(tail) HFY_F_(first)(size_t n) { return (__mmask16)((1u << n) - 1u); }
HFY_INLINE_ HFY_D_(tail) HFY_D_(first)(size_t n) { return (__mmask8)((1u << n) - 1u); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(load_n)(const float *p, HFY_F_(tail) t) { return _mm512_maskz_loadu_ps(t, p); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(load_n)(const double *p, HFY_D_(tail) t) { return _mm512_maskz_loadu_pd(t, p); }
HFY_INLINE_ void HFY_F_(store_n)(float *p, HFY_F_(vec) a, HFY_F_(tail) t) { _mm512_mask_storeu_ps(p, t, a); }
HFY_INLINE_ void HFY_D_(store_n)(double *p, HFY_D_(vec) a, HFY_D_(tail) t) { _mm512_mask_storeu_pd(p, t, a); }
/* a in the lanes of the tail, b beyond it */
HFY_INLINE_ HFY_F_(vec) HFY_F_(inside)(HFY_F_(tail) t, HFY_F_(vec) a, HFY_F_(vec) b)
{
    return _mm512_mask_mov_ps(b, t, a);
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(inside)(HFY_D_(tail) t, HFY_D_(vec) a, HFY_D_(vec) b)
{
    return _mm512_mask_mov_pd(b, t, a);
}
HFY_INLINE_ HFY_F_(cond) HFY_F_(lt)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(lt)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
HFY_INLINE_ HFY_F_(cond) HFY_F_(le)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(le)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
HFY_INLINE_ HFY_F_(cond) HFY_F_(either)(HFY_F_(cond) a, HFY_F_(cond) b) { return (__mmask16)(a | b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(either)(HFY_D_(cond) a, HFY_D_(cond) b) { return (__mmask8)(a | b); }
HFY_INLINE_ unsigned HFY_F_(bits)(HFY_F_(cond) c) { return (unsigned)c; }
HFY_INLINE_ unsigned HFY_D_(bits)(HFY_D_(cond) c) { return (unsigned)c; }
HFY_INLINE_ HFY_F_(vec) HFY_F_(select)(HFY_F_(cond) c, HFY_F_(vec) a, HFY_F_(vec) b)
{
    return _mm512_mask_mov_ps(b, c, a);
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(select)(HFY_D_(cond) c, HFY_D_(vec) a, HFY_D_(vec) b)
{
    return _mm512_mask_mov_pd(b, c, a);
}
/* the lower and upper half of a float vector in double, and back */
HFY_INLINE_ HFY_D_(vec) HFY_F_(low)(HFY_F_(vec) a) { return _mm512_cvtps_pd(_mm512_castps512_ps256(a)); }
HFY_INLINE_ HFY_D_(vec) HFY_F_(high)(HFY_F_(vec) a) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(join)(HFY_D_(vec) low, HFY_D_(vec) high)
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1);
}
/* One level of the fold. Both vectors are groups of 2*half lanes, each group the partial sums of one accumulator. Every
   group loses half its lanes (lane l + lane l + half); a's groups end up in the lower halves, b's in the upper. */
HFY_INLINE_ HFY_F_(vec) HFY_F_(halve)(HFY_F_(vec) a, HFY_F_(vec) b, int half)
{
    if (half == 8) return _mm512_add_ps(_mm512_mask_blend_ps(0xFF00, a, b), _mm512_shuffle_f32x4(a, b, 0x4E));
    if (half == 4) {
        const __m512i cross = _mm512_setr_epi32(4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 24, 25, 26, 27);
        return _mm512_add_ps(_mm512_mask_blend_ps(0xF0F0, a, b), _mm512_permutex2var_ps(a, cross, b));
    }
    if (half == 2) return _mm512_add_ps(_mm512_mask_blend_ps(0xCCCC, a, b), _mm512_shuffle_ps(a, b, 0x4E));
    return _mm512_add_ps(_mm512_mask_blend_ps(0xAAAA, a, b),
                         _mm512_permute_ps(_mm512_mask_blend_ps(0xAAAA, b, a), 0xB1));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(halve)(HFY_D_(vec) a, HFY_D_(vec) b, int half)
{
    if (half == 4) return _mm512_add_pd(_mm512_mask_blend_pd(0xF0, a, b), _mm512_shuffle_f64x2(a, b, 0x4E));
    if (half == 2) {
        const __m512i cross = _mm512_setr_epi64(2, 3, 8, 9, 6, 7, 12, 13);
        return _mm512_add_pd(_mm512_mask_blend_pd(0xCC, a, b), _mm512_permutex2var_pd(a, cross, b));
    }
    return _mm512_add_pd(_mm512_mask_blend_pd(0xAA, a, b), _mm512_shuffle_pd(a, b, 0x55));
}
#else
typedef HFY_F_(vec) HFY_F_(cond);
typedef HFY_D_(vec) HFY_D_(cond);
HFY_INLINE_ HFY_F_(cond) HFY_F_(either)(HFY_F_(cond) a, HFY_F_(cond) b) { return HFY_MM_(or_ps)(a, b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(either)(HFY_D_(cond) a, HFY_D_(cond) b) { return HFY_MM_(or_pd)(a, b); }
HFY_INLINE_ unsigned HFY_F_(bits)(HFY_F_(cond) c) { return (unsigned)HFY_MM_(movemask_ps)(c); }
HFY_INLINE_ unsigned HFY_D_(bits)(HFY_D_(cond) c) { return (unsigned)HFY_MM_(movemask_pd)(c); }
#if HFY_SIMD_PASS_ == 3
typedef __m256i HFY_F_(tail);
typedef __m256i HFY_D_(tail);
HFY_INLINE_ HFY_F_(tail) HFY_F_(first)(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
HFY_INLINE_ HFY_D_(tail) HFY_D_(first)(size_t n)
{
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x((int64_t)n), _mm256_setr_epi64x(0, 1, 2, 3));
}
HFY_INLINE_ HFY_F_(vec) HFY_F_(load_n)(const float *p, HFY_F_(tail) t) { return _mm256_maskload_ps(p, t); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(load_n)(const double *p, HFY_D_(tail) t) { return _mm256_maskload_pd(p, t); }
HFY_INLINE_ void HFY_F_(store_n)(float *p, HFY_F_(vec) a, HFY_F_(tail) t) { _mm256_maskstore_ps(p, t, a); }
HFY_INLINE_ void HFY_D_(store_n)(double *p, HFY_D_(vec) a, HFY_D_(tail) t) { _mm256_maskstore_pd(p, t, a); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(inside)(HFY_F_(tail) t, HFY_F_(vec) a, HFY_F_(vec) b)
{
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(t));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(inside)(HFY_D_(tail) t, HFY_D_(vec) a, HFY_D_(vec) b)
{
    return _mm256_blendv_pd(b, a, _mm256_castsi256_pd(t));
}
HFY_INLINE_ HFY_F_(cond) HFY_F_(lt)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(lt)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
HFY_INLINE_ HFY_F_(cond) HFY_F_(le)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(le)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm256_cmp_pd(a, b, _CMP_LE_OQ); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(select)(HFY_F_(cond) c, HFY_F_(vec) a, HFY_F_(vec) b)
{
    return _mm256_blendv_ps(b, a, c);
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(select)(HFY_D_(cond) c, HFY_D_(vec) a, HFY_D_(vec) b)
{
    return _mm256_blendv_pd(b, a, c);
}
HFY_INLINE_ HFY_D_(vec) HFY_F_(low)(HFY_F_(vec) a) { return _mm256_cvtps_pd(_mm256_castps256_ps128(a)); }
HFY_INLINE_ HFY_D_(vec) HFY_F_(high)(HFY_F_(vec) a) { return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(join)(HFY_D_(vec) low, HFY_D_(vec) high)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high), 1);
}
HFY_INLINE_ HFY_F_(vec) HFY_F_(halve)(HFY_F_(vec) a, HFY_F_(vec) b, int half)
{
    if (half == 4) return _mm256_add_ps(_mm256_blend_ps(a, b, 0xF0), _mm256_permute2f128_ps(a, b, 0x21));
    if (half == 2) return _mm256_add_ps(_mm256_blend_ps(a, b, 0xCC), _mm256_shuffle_ps(a, b, 0x4E));
    return _mm256_add_ps(_mm256_blend_ps(a, b, 0xAA), _mm256_permute_ps(_mm256_blend_ps(b, a, 0xAA), 0xB1));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(halve)(HFY_D_(vec) a, HFY_D_(vec) b, int half)
{
    if (half == 2) return _mm256_add_pd(_mm256_blend_pd(a, b, 0xC), _mm256_permute2f128_pd(a, b, 0x21));
    return _mm256_add_pd(_mm256_blend_pd(a, b, 0xA), _mm256_shuffle_pd(a, b, 0x5));
}
#else /* SSE2 */
typedef size_t HFY_F_(tail);
typedef size_t HFY_D_(tail);
HFY_INLINE_ HFY_F_(tail) HFY_F_(first)(size_t n) { return n; }
HFY_INLINE_ HFY_D_(tail) HFY_D_(first)(size_t n) { return n; }
HFY_INLINE_ HFY_F_(vec) HFY_F_(load_n)(const float *p, HFY_F_(tail) t)
{
    double pair;
    if (t < 2) return t ? _mm_load_ss(p) : _mm_setzero_ps();
    memcpy(&pair, p, sizeof pair);
    return _mm_movelh_ps(_mm_castpd_ps(_mm_set_sd(pair)), t == 3 ? _mm_load_ss(p + 2) : _mm_setzero_ps());
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(load_n)(const double *p, HFY_D_(tail) t)
{
    return t ? _mm_load_sd(p) : _mm_setzero_pd();
}
HFY_INLINE_ void HFY_F_(store_n)(float *p, HFY_F_(vec) a, HFY_F_(tail) t)
{
    double pair = _mm_cvtsd_f64(_mm_castps_pd(a));
    if (t == 1) _mm_store_ss(p, a);
    if (t >= 2) memcpy(p, &pair, sizeof pair);
    if (t == 3) _mm_store_ss(p + 2, _mm_movehl_ps(a, a));
}
HFY_INLINE_ void HFY_D_(store_n)(double *p, HFY_D_(vec) a, HFY_D_(tail) t)
{
    if (t) _mm_store_sd(p, a);
}
HFY_INLINE_ HFY_F_(vec) HFY_F_(select)(HFY_F_(cond) c, HFY_F_(vec) a, HFY_F_(vec) b)
{
    return _mm_or_ps(_mm_and_ps(c, a), _mm_andnot_ps(c, b));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(select)(HFY_D_(cond) c, HFY_D_(vec) a, HFY_D_(vec) b)
{
    return _mm_or_pd(_mm_and_pd(c, a), _mm_andnot_pd(c, b));
}
HFY_INLINE_ HFY_F_(vec) HFY_F_(inside)(HFY_F_(tail) t, HFY_F_(vec) a, HFY_F_(vec) b)
{
    return HFY_F_(select)(_mm_castsi128_ps(_mm_cmpgt_epi32(_mm_set1_epi32((int)t), _mm_setr_epi32(0, 1, 2, 3))), a, b);
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(inside)(HFY_D_(tail) t, HFY_D_(vec) a, HFY_D_(vec) b)
{
    return t ? _mm_move_sd(b, a) : b;
}
HFY_INLINE_ HFY_F_(cond) HFY_F_(lt)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm_cmplt_ps(a, b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(lt)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm_cmplt_pd(a, b); }
HFY_INLINE_ HFY_F_(cond) HFY_F_(le)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm_cmple_ps(a, b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(le)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm_cmple_pd(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_F_(low)(HFY_F_(vec) a) { return _mm_cvtps_pd(a); }
HFY_INLINE_ HFY_D_(vec) HFY_F_(high)(HFY_F_(vec) a) { return _mm_cvtps_pd(_mm_movehl_ps(a, a)); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(join)(HFY_D_(vec) low, HFY_D_(vec) high)
{
    return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}
HFY_INLINE_ HFY_F_(vec) HFY_F_(halve)(HFY_F_(vec) a, HFY_F_(vec) b, int half)
{
    __m128 low = _mm_unpacklo_ps(a, b), high = _mm_unpackhi_ps(a, b);
    if (half == 2) return _mm_add_ps(_mm_movelh_ps(a, b), _mm_movehl_ps(b, a));
    return _mm_add_ps(_mm_movelh_ps(low, high), _mm_movehl_ps(high, low));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(halve)(HFY_D_(vec) a, HFY_D_(vec) b, int half)
{
    (void)half;
    return _mm_add_pd(_mm_unpacklo_pd(a, b), _mm_unpackhi_pd(a, b));
}
#endif
#endif

/* Is either NaN? Where the compiler may assume that there is none, by the bits. */
#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
HFY_INLINE_ HFY_F_(cond) HFY_F_(nan)(HFY_F_(vec) a, HFY_F_(vec) b) /* carries into the sign from beyond infinity */
{
    HFY_D_(whole) no_sign = HFY_MM_(set1_epi32)(0x7FFFFFFF), carry = HFY_MM_(set1_epi32)(0x007FFFFF);
    HFY_D_(whole) is = HFY_MM_INT_(or)(HFY_MM_(add_epi32)(HFY_MM_INT_(and)(HFY_MM_INT_(castps)(a), no_sign), carry),
                                       HFY_MM_(add_epi32)(HFY_MM_INT_(and)(HFY_MM_INT_(castps)(b), no_sign), carry));
#if HFY_SIMD_PASS_ == 4
    return _mm512_movepi32_mask(is);
#else
    return HFY_MM_CAST_(ps)(HFY_MM_(srai_epi32)(is, 31));
#endif
}
HFY_INLINE_ HFY_D_(cond) HFY_D_(nan)(HFY_D_(vec) a, HFY_D_(vec) b)
{
    HFY_D_(whole) no_sign = HFY_MM_SET64_(INT64_C(0x7FFFFFFFFFFFFFFF)),
                  carry = HFY_MM_SET64_(INT64_C(0x000FFFFFFFFFFFFF));
    HFY_D_(whole) is = HFY_MM_INT_(or)(HFY_MM_(add_epi64)(HFY_MM_INT_(and)(HFY_MM_INT_(castpd)(a), no_sign), carry),
                                       HFY_MM_(add_epi64)(HFY_MM_INT_(and)(HFY_MM_INT_(castpd)(b), no_sign), carry));
#if HFY_SIMD_PASS_ == 4
    return _mm512_movepi64_mask(is);
#else
    return HFY_MM_CAST_(pd)(HFY_MM_(shuffle_epi32)(HFY_MM_(srai_epi32)(is, 31), 0xF5));
#endif
}
#elif HFY_SIMD_PASS_ == 4
HFY_INLINE_ HFY_F_(cond) HFY_F_(nan)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(nan)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm512_cmp_pd_mask(a, b, _CMP_UNORD_Q); }
#elif HFY_SIMD_PASS_ == 3
HFY_INLINE_ HFY_F_(cond) HFY_F_(nan)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm256_cmp_ps(a, b, _CMP_UNORD_Q); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(nan)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm256_cmp_pd(a, b, _CMP_UNORD_Q); }
#else
HFY_INLINE_ HFY_F_(cond) HFY_F_(nan)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm_cmpunord_ps(a, b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(nan)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm_cmpunord_pd(a, b); }
#endif

/* Moves the lanes whose bit is set to the front, of numbers and of indices. */
#if HFY_SIMD_PASS_ > 2 && SIZE_MAX > 0xFFFFFFFF
#define HFY_PACK_
HFY_INLINE_ size_t HFY_D_(count)(unsigned bits) { return (size_t)_mm_popcnt_u32(bits); }
HFY_INLINE_ HFY_D_(whole) HFY_D_(index_load)(const size_t *p)
{
    return HFY_MM_INT_(loadu)((const HFY_D_(whole) *)(const void *)p);
}
HFY_INLINE_ void HFY_D_(index_store)(size_t *p, HFY_D_(whole) a) { HFY_MM_INT_(storeu)((HFY_D_(whole) *)(void *)p, a); }
#if HFY_SIMD_PASS_ == 4
HFY_INLINE_ HFY_D_(whole) HFY_D_(index_from)(size_t i)
{
    return _mm512_add_epi64(_mm512_set1_epi64((int64_t)i), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(pack)(unsigned bits, HFY_D_(vec) a)
{
    return _mm512_maskz_compress_pd((__mmask8)bits, a);
}
HFY_INLINE_ HFY_D_(whole) HFY_D_(index_pack)(unsigned bits, HFY_D_(whole) a)
{
    return _mm512_maskz_compress_epi64((__mmask8)bits, a);
}
#else
HFY_INLINE_ HFY_D_(whole) HFY_D_(index_from)(size_t i)
{
    return _mm256_add_epi64(_mm256_set1_epi64x((int64_t)i), _mm256_setr_epi64x(0, 1, 2, 3));
}
/* where the 32-bit halves go, for each of the 16 sets of kept lanes */
static const uint64_t HFY_D_(places)[16] = {
    UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000100), UINT64_C(0x0000000000000302),
    UINT64_C(0x0000000003020100), UINT64_C(0x0000000000000504), UINT64_C(0x0000000005040100),
    UINT64_C(0x0000000005040302), UINT64_C(0x0000050403020100), UINT64_C(0x0000000000000706),
    UINT64_C(0x0000000007060100), UINT64_C(0x0000000007060302), UINT64_C(0x0000070603020100),
    UINT64_C(0x0000000007060504), UINT64_C(0x0000070605040100), UINT64_C(0x0000070605040302),
    UINT64_C(0x0706050403020100)};
HFY_INLINE_ HFY_D_(whole) HFY_D_(index_pack)(unsigned bits, HFY_D_(whole) a)
{
    return _mm256_permutevar8x32_epi32(a, _mm256_cvtepu8_epi32(_mm_set1_epi64x((int64_t)HFY_D_(places)[bits])));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(pack)(unsigned bits, HFY_D_(vec) a)
{
    return _mm256_castsi256_pd(HFY_D_(index_pack)(bits, _mm256_castpd_si256(a)));
}
#endif
#endif
#undef HFY_MM_
#undef HFY_MM_INT_
#undef HFY_MM_CAST_
#undef HFY_MM_SET64_

#else /* NEON */
typedef float32x4_t HFY_F_(vec);
typedef float64x2_t HFY_D_(vec);
typedef size_t HFY_F_(tail);
typedef size_t HFY_D_(tail);
typedef uint32x4_t HFY_F_(cond);
typedef uint64x2_t HFY_D_(cond);
HFY_INLINE_ HFY_F_(vec) HFY_F_(zero)(void) { return vdupq_n_f32(0); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(zero)(void) { return vdupq_n_f64(0); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(set)(float a) { return vdupq_n_f32(a); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(set)(double a) { return vdupq_n_f64(a); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(load)(const float *p) { return vld1q_f32(p); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(load)(const double *p) { return vld1q_f64(p); }
HFY_INLINE_ void HFY_F_(store)(float *p, HFY_F_(vec) a) { vst1q_f32(p, a); }
HFY_INLINE_ void HFY_D_(store)(double *p, HFY_D_(vec) a) { vst1q_f64(p, a); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(add)(HFY_F_(vec) a, HFY_F_(vec) b) { return vaddq_f32(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(add)(HFY_D_(vec) a, HFY_D_(vec) b) { return vaddq_f64(a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(sub)(HFY_F_(vec) a, HFY_F_(vec) b) { return vsubq_f32(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(sub)(HFY_D_(vec) a, HFY_D_(vec) b) { return vsubq_f64(a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(mul)(HFY_F_(vec) a, HFY_F_(vec) b) { return vmulq_f32(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(mul)(HFY_D_(vec) a, HFY_D_(vec) b) { return vmulq_f64(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(div)(HFY_D_(vec) a, HFY_D_(vec) b) { return vdivq_f64(a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(max)(HFY_F_(vec) a, HFY_F_(vec) b) { return vmaxq_f32(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(max)(HFY_D_(vec) a, HFY_D_(vec) b) { return vmaxq_f64(a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(min)(HFY_F_(vec) a, HFY_F_(vec) b) { return vminq_f32(a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(min)(HFY_D_(vec) a, HFY_D_(vec) b) { return vminq_f64(a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(abs)(HFY_F_(vec) a) { return vabsq_f32(a); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(abs)(HFY_D_(vec) a) { return vabsq_f64(a); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(fma)(HFY_F_(vec) a, HFY_F_(vec) b, HFY_F_(vec) c) { return vfmaq_f32(c, a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(fma)(HFY_D_(vec) a, HFY_D_(vec) b, HFY_D_(vec) c) { return vfmaq_f64(c, a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(fnma)(HFY_F_(vec) a, HFY_F_(vec) b, HFY_F_(vec) c) { return vfmsq_f32(c, a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(fnma)(HFY_D_(vec) a, HFY_D_(vec) b, HFY_D_(vec) c) { return vfmsq_f64(c, a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(round)(HFY_F_(vec) a) { return vrndnq_f32(a); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(round)(HFY_D_(vec) a) { return vrndnq_f64(a); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(scale2)(HFY_F_(vec) p, HFY_F_(vec) n)
{
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), vshlq_n_s32(vcvtnq_s32_f32(n), 23)));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(scale2)(HFY_D_(vec) p, HFY_D_(vec) n)
{
    return vreinterpretq_f64_s64(vaddq_s64(vreinterpretq_s64_f64(p), vshlq_n_s64(vcvtnq_s64_f64(n), 52)));
}
HFY_INLINE_ HFY_F_(vec) HFY_F_(denormal)(HFY_F_(vec) v)
{
    return vreinterpretq_f32_s32(
        vsubq_s32(vreinterpretq_s32_f32(vaddq_f32(v, vdupq_n_f32(8388608.0f))), vdupq_n_s32(0x4B000000)));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(denormal)(HFY_D_(vec) v)
{
    return vreinterpretq_f64_s64(vsubq_s64(vreinterpretq_s64_f64(vaddq_f64(v, vdupq_n_f64(4503599627370496.0))),
                                           vdupq_n_s64(INT64_C(0x4330000000000000))));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(mantissa)(HFY_D_(vec) a, HFY_D_(vec) *k)
{
    const int64x2_t half = vdupq_n_s64(INT64_C(0x3FE6A09E667F3BCD)), one = vdupq_n_s64(INT64_C(0x3FF0000000000000));
    int64x2_t t = vaddq_s64(vsubq_s64(vreinterpretq_s64_f64(a), half), one);
    *k = vsubq_f64(vcvtq_f64_s64(vshrq_n_s64(t, 52)), vdupq_n_f64(1023.0));
    return vreinterpretq_f64_s64(vaddq_s64(vandq_s64(t, vdupq_n_s64(INT64_C(0x000FFFFFFFFFFFFF))), half));
}
HFY_INLINE_ HFY_F_(tail) HFY_F_(first)(size_t n) { return n; }
HFY_INLINE_ HFY_D_(tail) HFY_D_(first)(size_t n) { return n; }
HFY_INLINE_ HFY_F_(vec) HFY_F_(load_n)(const float *p, HFY_F_(tail) t)
{
    float32x2_t zero = vdup_n_f32(0);
    if (t < 2) return vcombine_f32(t ? vld1_lane_f32(p, zero, 0) : zero, zero);
    return vcombine_f32(vld1_f32(p), t == 3 ? vld1_lane_f32(p + 2, zero, 0) : zero);
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(load_n)(const double *p, HFY_D_(tail) t)
{
    return t ? vcombine_f64(vld1_f64(p), vdup_n_f64(0)) : vdupq_n_f64(0);
}
HFY_INLINE_ void HFY_F_(store_n)(float *p, HFY_F_(vec) a, HFY_F_(tail) t)
{
    if (t == 1) vst1q_lane_f32(p, a, 0);
    if (t >= 2) vst1_f32(p, vget_low_f32(a));
    if (t == 3) vst1q_lane_f32(p + 2, a, 2);
}
HFY_INLINE_ void HFY_D_(store_n)(double *p, HFY_D_(vec) a, HFY_D_(tail) t)
{
    if (t) vst1q_lane_f64(p, a, 0);
}
HFY_INLINE_ HFY_F_(vec) HFY_F_(select)(HFY_F_(cond) c, HFY_F_(vec) a, HFY_F_(vec) b) { return vbslq_f32(c, a, b); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(select)(HFY_D_(cond) c, HFY_D_(vec) a, HFY_D_(vec) b) { return vbslq_f64(c, a, b); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(inside)(HFY_F_(tail) t, HFY_F_(vec) a, HFY_F_(vec) b)
{
    static const uint32_t lane[4] = {0, 1, 2, 3};
    return vbslq_f32(vcgtq_u32(vdupq_n_u32((uint32_t)t), vld1q_u32(lane)), a, b);
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(inside)(HFY_D_(tail) t, HFY_D_(vec) a, HFY_D_(vec) b)
{
    return t ? vcombine_f64(vget_low_f64(a), vget_high_f64(b)) : b;
}
HFY_INLINE_ HFY_F_(cond) HFY_F_(lt)(HFY_F_(vec) a, HFY_F_(vec) b) { return vcltq_f32(a, b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(lt)(HFY_D_(vec) a, HFY_D_(vec) b) { return vcltq_f64(a, b); }
HFY_INLINE_ HFY_F_(cond) HFY_F_(le)(HFY_F_(vec) a, HFY_F_(vec) b) { return vcleq_f32(a, b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(le)(HFY_D_(vec) a, HFY_D_(vec) b) { return vcleq_f64(a, b); }
HFY_INLINE_ HFY_F_(cond) HFY_F_(nan)(HFY_F_(vec) a, HFY_F_(vec) b) /* by the bits, for -ffast-math */
{
    uint32x4_t no_sign = vdupq_n_u32(0x7FFFFFFF), inf = vdupq_n_u32(0x7F800000);
    return vorrq_u32(vcgtq_u32(vandq_u32(vreinterpretq_u32_f32(a), no_sign), inf),
                     vcgtq_u32(vandq_u32(vreinterpretq_u32_f32(b), no_sign), inf));
}
HFY_INLINE_ HFY_D_(cond) HFY_D_(nan)(HFY_D_(vec) a, HFY_D_(vec) b)
{
    uint64x2_t no_sign = vdupq_n_u64(UINT64_C(0x7FFFFFFFFFFFFFFF)), inf = vdupq_n_u64(UINT64_C(0x7FF0000000000000));
    return vorrq_u64(vcgtq_u64(vandq_u64(vreinterpretq_u64_f64(a), no_sign), inf),
                     vcgtq_u64(vandq_u64(vreinterpretq_u64_f64(b), no_sign), inf));
}
HFY_INLINE_ HFY_F_(cond) HFY_F_(either)(HFY_F_(cond) a, HFY_F_(cond) b) { return vorrq_u32(a, b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(either)(HFY_D_(cond) a, HFY_D_(cond) b) { return vorrq_u64(a, b); }
HFY_INLINE_ unsigned HFY_F_(bits)(HFY_F_(cond) c)
{
    static const uint32_t bit[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(c, vld1q_u32(bit)));
}
HFY_INLINE_ unsigned HFY_D_(bits)(HFY_D_(cond) c)
{
    return (unsigned)((vgetq_lane_u64(c, 0) & 1) | (vgetq_lane_u64(c, 1) & 2));
}
HFY_INLINE_ HFY_D_(vec) HFY_F_(low)(HFY_F_(vec) a) { return vcvt_f64_f32(vget_low_f32(a)); }
HFY_INLINE_ HFY_D_(vec) HFY_F_(high)(HFY_F_(vec) a) { return vcvt_high_f64_f32(a); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(join)(HFY_D_(vec) low, HFY_D_(vec) high)
{
    return vcvt_high_f32_f64(vcvt_f32_f64(low), high);
}
HFY_INLINE_ HFY_F_(vec) HFY_F_(halve)(HFY_F_(vec) a, HFY_F_(vec) b, int half)
{
    if (half == 2)
        return vaddq_f32(vcombine_f32(vget_low_f32(a), vget_low_f32(b)),
                         vcombine_f32(vget_high_f32(a), vget_high_f32(b)));
    return vaddq_f32(vtrn1q_f32(a, b), vtrn2q_f32(a, b));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(halve)(HFY_D_(vec) a, HFY_D_(vec) b, int half)
{
    (void)half;
    return vaddq_f64(vtrn1q_f64(a, b), vtrn2q_f64(a, b));
}
#endif

#endif /* HFY_GEMM_PASS_ */

/* --- the kernels, once for every instruction set --- */

/* hfy_real's here, the other precision's for the products of matrices */
#if !defined(HFY_GEMM_PASS_) || (HFY_SIMD_PASS_ > 1 && (HFY_GEMM_PASS_ == 32) == defined(HFY_DOUBLE))
/* Folds n (1 .. LANES) vectors at once, each into the sum of its lanes: lane l + lane l + LANES/2, and so on. */
HFY_INLINE_ void HFY_V_(fold)(const HFY_V_(vec) *acc, int n, HFY_S_ *sum)
{
    enum { lanes = HFY_LANES_ };
    static const unsigned char reversed[16] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
    HFY_V_(vec) v[HFY_LANES_];
    HFY_S_ lane[HFY_LANES_];
    int i, m = n;
    HFY_UNROLL_ for (i = 0; i < n; i++) v[i] = acc[i];
#define HFY_LEVEL_(half)                                                                                               \
    if (lanes > (half)) {                                                                                              \
        HFY_UNROLL_ for (i = 0; i < m; i += 2) v[i / 2] = HFY_V_(halve)(v[i], v[i + 1 < m ? i + 1 : i], half);         \
        m = (m + 1) / 2;                                                                                               \
    }
    HFY_LEVEL_(8)
    HFY_LEVEL_(4)
    HFY_LEVEL_(2)
    HFY_LEVEL_(1)
#undef HFY_LEVEL_
    HFY_V_(store)(lane, v[0]);
    HFY_UNROLL_ for (i = 0; i < n; i++) sum[i] = lane[reversed[i] / (16 / lanes)]; /* where halving put them */
}
#endif

#ifndef HFY_GEMM_PASS_
#define HFY_DOT_ 0
#define HFY_EUCLIDEAN_ 1
#define HFY_MANHATTAN_ 2

HFY_INLINE_ HFY_V_(vec) HFY_V_(accumulate)(int kind, HFY_V_(vec) acc, HFY_V_(vec) a, HFY_V_(vec) b)
{
    if (kind == HFY_DOT_) return HFY_V_(fma)(a, b, acc);
    a = HFY_V_(sub)(a, b);
    return kind == HFY_EUCLIDEAN_ ? HFY_V_(fma)(a, a, acc) : HFY_V_(add)(acc, HFY_V_(abs)(a));
}

/* sum[j*rows + i] of rows x queries pairs; kind, rows and queries are constants where this is expanded. ahead: how many
   bytes further on in x to prefetch, or 0. */
HFY_INLINE_ void HFY_V_(tile)(int kind, int rows, int queries, const HFY_S_ *const *x, const HFY_S_ *const *q,
                              size_t dim, size_t ahead, HFY_S_ *sum)
{
    enum { lanes = HFY_LANES_ };
    double total[8 * HFY_QUERIES_];
    size_t at = 0;
    for (;;) {
        HFY_V_(vec) acc[8 * HFY_QUERIES_], b[HFY_QUERIES_];
        const HFY_S_ *px[8], *pq[HFY_QUERIES_];
        size_t n = hfy_base_min_(dim - at, HFY_SIMD_BLOCK_), k = 0;
        int i, j;
        HFY_UNROLL_ for (i = 0; i < rows; i++) px[i] = x[i] + at;
        HFY_UNROLL_ for (j = 0; j < queries; j++) pq[j] = q[j] + at;
        HFY_UNROLL_ for (i = 0; i < rows * queries; i++) acc[i] = HFY_V_(zero)();
        for (; k + lanes <= n; k += lanes) {
            HFY_UNROLL_ for (j = 0; j < queries; j++) b[j] = HFY_V_(load)(pq[j] + k);
            HFY_UNROLL_ for (i = 0; i < rows; i++) {
                HFY_V_(vec) a = HFY_V_(load)(px[i] + k);
                if (queries > 1) HFY_PIN_(a);
                HFY_UNROLL_ for (j = 0; j < queries; j++)
                    acc[j * rows + i] = HFY_V_(accumulate)(kind, acc[j * rows + i], a, b[j]);
            }
            if (ahead && (HFY_BYTES_ >= 64 || !(k * sizeof(HFY_S_) & 63)))
                HFY_UNROLL_ for (i = 0; i < rows; i++) HFY_PREFETCH_((uintptr_t)(px[i] + k) + ahead);
        }
        if (k < n) {
            HFY_V_(tail) t = HFY_V_(first)(n - k);
            HFY_UNROLL_ for (j = 0; j < queries; j++) b[j] = HFY_V_(load_n)(pq[j] + k, t);
            HFY_UNROLL_ for (i = 0; i < rows; i++) {
                HFY_V_(vec) a = HFY_V_(load_n)(px[i] + k, t);
                HFY_UNROLL_ for (j = 0; j < queries; j++)
                    acc[j * rows + i] = HFY_V_(accumulate)(kind, acc[j * rows + i], a, b[j]);
            }
        }
        HFY_UNROLL_ for (i = 0; i < rows * queries; i += lanes)
            HFY_V_(fold)(acc + i, rows * queries - i < lanes ? rows * queries - i : lanes, sum + i);
        if (n == dim) return;
        for (i = 0; i < rows * queries; i++) total[i] = at ? total[i] + (double)sum[i] : (double)sum[i];
        at += n;
        if (at < dim) continue;
        for (i = 0; i < rows * queries; i++) sum[i] = (HFY_S_)total[i];
        return;
    }
}

/* All pairs. Rows stay in L1 while the queries pass; queries in L2 while the rows pass; edges repeat the last row or
   query and drop what comes of it. */
HFY_INLINE_ void HFY_V_(pairs)(int kind, const HFY_S_ *x, size_t x_stride, size_t rows, const HFY_S_ *q,
                               size_t q_stride, size_t nq, size_t dim, HFY_S_ *out, size_t out_stride)
{
    const HFY_S_ *px[8], *pq[HFY_QUERIES_];
    HFY_S_ sum[8 * HFY_QUERIES_];
    size_t i, j, r, s;
    if (nq == 1) {
        size_t bytes = 8 * x_stride * sizeof *x, ahead = 0; /* the next rows, 16 KiB on at least */
        if (rows * dim * sizeof *x > 32768) ahead = bytes * (1 + 16383 / bytes);
        for (i = 0; i < rows; i += 8) {
            size_t left = hfy_base_min_(8, rows - i);
            for (r = 0; r < 8; r++) px[r] = x + (i + (r < left ? r : left - 1)) * x_stride;
            HFY_V_(tile)(kind, 8, 1, px, &q, dim, ahead, sum);
            for (r = 0; r < left; r++) out[i + r] = sum[r];
        }
        return;
    }
    {
        const size_t line = 64 / sizeof *x, row_bytes = dim * sizeof *x + 1;
        size_t j_block = 262144 / row_bytes / HFY_QUERIES_ * HFY_QUERIES_, i_block = rows, i0, j0;
        if (j_block < 4 * HFY_QUERIES_) j_block = 4 * HFY_QUERIES_;
        if (nq > j_block) {
            i_block = 262144 / row_bytes / HFY_ROWS_ * HFY_ROWS_;
            if (i_block < 4 * HFY_ROWS_) i_block = 4 * HFY_ROWS_;
        }
        for (i0 = 0; i0 < rows; i0 += i_block)
            for (j0 = 0; j0 < nq; j0 += j_block) {
                size_t i1 = hfy_base_min_(i0 + i_block, rows), j1 = hfy_base_min_(j0 + j_block, nq);
                size_t tiles = (j1 - j0 + HFY_QUERIES_ - 1) / HFY_QUERIES_;
                for (i = i0; i < i1; i += HFY_ROWS_) {
                    size_t left = hfy_base_min_(HFY_ROWS_, i1 - i), next = i + HFY_ROWS_, at = 0;
                    size_t lines = next + HFY_ROWS_ <= rows ? (dim + line - 1) / line : 0; /* of a row yet to come */
                    size_t share = (lines + tiles - 1) / tiles;
                    for (r = 0; r < HFY_ROWS_; r++) px[r] = x + (i + (r < left ? r : left - 1)) * x_stride;
                    for (j = j0; j < j1; j += HFY_QUERIES_) {
                        size_t width = hfy_base_min_(HFY_QUERIES_, j1 - j), end = hfy_base_min_(at + share, lines);
                        for (; at < end; at++)
                            for (r = 0; r < HFY_ROWS_; r++) HFY_PREFETCH_L2_(x + (next + r) * x_stride + at * line);
                        for (s = 0; s < HFY_QUERIES_; s++) pq[s] = q + (j + (s < width ? s : width - 1)) * q_stride;
                        if (width == 1)
                            HFY_V_(tile)(kind, HFY_ROWS_, 1, px, pq, dim, 0, sum);
                        else
                            HFY_V_(tile)(kind, HFY_ROWS_, HFY_QUERIES_, px, pq, dim, 0, sum);
                        for (s = 0; s < width; s++)
                            if (left == HFY_ROWS_)
                                memcpy(out + (j + s) * out_stride + i, sum + s * HFY_ROWS_, HFY_ROWS_ * sizeof *out);
                            else
                                for (r = 0; r < left; r++) out[(j + s) * out_stride + i + r] = sum[s * HFY_ROWS_ + r];
                    }
                }
            }
    }
}

HFY_TARGET_ void HFY_V_(dot)(const HFY_S_ *x, size_t x_stride, size_t rows, const HFY_S_ *q, size_t q_stride, size_t nq,
                             size_t dim, HFY_S_ *out, size_t out_stride)
{
    HFY_V_(pairs)(HFY_DOT_, x, x_stride, rows, q, q_stride, nq, dim, out, out_stride);
}

HFY_TARGET_ void HFY_V_(euclidean)(const HFY_S_ *x, size_t x_stride, size_t rows, const HFY_S_ *q, size_t q_stride,
                                   size_t nq, size_t dim, HFY_S_ *out, size_t out_stride)
{
    HFY_V_(pairs)(HFY_EUCLIDEAN_, x, x_stride, rows, q, q_stride, nq, dim, out, out_stride);
}

HFY_TARGET_ void HFY_V_(manhattan)(const HFY_S_ *x, size_t x_stride, size_t rows, const HFY_S_ *q, size_t q_stride,
                                   size_t nq, size_t dim, HFY_S_ *out, size_t out_stride)
{
    HFY_V_(pairs)(HFY_MANHATTAN_, x, x_stride, rows, q, q_stride, nq, dim, out, out_stride);
}
#undef HFY_DOT_
#undef HFY_EUCLIDEAN_
#undef HFY_MANHATTAN_

#define HFY_LIST_ 128 /* rows of a projection handled at a time */

/* z += sum of w[i] row[i], four rows at a time, while the next four are on their way (row has 4 entries more). */
HFY_INLINE_ void HFY_V_(rows4)(const HFY_S_ *w, const HFY_S_ *const *row, size_t dim, HFY_S_ *z)
{
    enum { lanes = HFY_LANES_ };
    const HFY_V_(vec) w0 = HFY_V_(set)(w[0]), w1 = HFY_V_(set)(w[1]), w2 = HFY_V_(set)(w[2]), w3 = HFY_V_(set)(w[3]);
    const HFY_S_ *x0 = row[0], *x1 = row[1], *x2 = row[2], *x3 = row[3];
    const HFY_S_ *y0 = row[4], *y1 = row[5], *y2 = row[6], *y3 = row[7];
    HFY_V_(vec) v;
    size_t k = 0;
    for (; k + lanes <= dim; k += lanes) {
        v = HFY_V_(fma)(w0, HFY_V_(load)(x0 + k), HFY_V_(load)(z + k));
        v = HFY_V_(fma)(w1, HFY_V_(load)(x1 + k), v);
        v = HFY_V_(fma)(w2, HFY_V_(load)(x2 + k), v);
        v = HFY_V_(fma)(w3, HFY_V_(load)(x3 + k), v);
        HFY_V_(store)(z + k, v);
        if (HFY_BYTES_ >= 64 || !(k * sizeof(HFY_S_) & 63)) {
            HFY_PREFETCH_(y0 + k), HFY_PREFETCH_(y1 + k);
            HFY_PREFETCH_(y2 + k), HFY_PREFETCH_(y3 + k);
        }
    }
    if (k < dim) {
        HFY_V_(tail) t = HFY_V_(first)(dim - k);
        v = HFY_V_(fma)(w0, HFY_V_(load_n)(x0 + k, t), HFY_V_(load_n)(z + k, t));
        v = HFY_V_(fma)(w1, HFY_V_(load_n)(x1 + k, t), v);
        v = HFY_V_(fma)(w2, HFY_V_(load_n)(x2 + k, t), v);
        v = HFY_V_(fma)(w3, HFY_V_(load_n)(x3 + k, t), v);
        HFY_V_(store_n)(z + k, v, t);
    }
}

/* The same for any number of rows. row: room for 4 entries more. */
HFY_TARGET_ HFY_SIMD_NOINLINE_ void HFY_V_(rows)(const HFY_S_ *w, const HFY_S_ **row, size_t count, size_t dim,
                                                 HFY_S_ *z)
{
    enum { lanes = HFY_LANES_ };
    size_t i = 0, k;
    if (!count) return;
    for (k = 0; k < 4; k++) row[count + k] = row[count - 1] + dim; /* most often the rows that come next */
    for (; i + 4 <= count; i += 4) HFY_V_(rows4)(w + i, row + i, dim, z);
    for (; i < count; i++) {
        const HFY_V_(vec) a = HFY_V_(set)(w[i]);
        const HFY_S_ *x = row[i];
        for (k = 0; k + lanes <= dim; k += lanes)
            HFY_V_(store)(z + k, HFY_V_(fma)(a, HFY_V_(load)(x + k), HFY_V_(load)(z + k)));
        if (k < dim) {
            HFY_V_(tail) t = HFY_V_(first)(dim - k);
            HFY_V_(store_n)(z + k, HFY_V_(fma)(a, HFY_V_(load_n)(x + k, t), HFY_V_(load_n)(z + k, t)), t);
        }
    }
}

/* z of BATCH queries, columns k .. k + strip*LANES (or the n columns of a masked tail), += count rows. Either all
   weights count (used NULL): w[j][i] for row i at x + i x_stride; or packed: w[0][i*BATCH + j] for the listed rows,
   used[i] telling by bits which of them are not zero. */
HFY_INLINE_ void HFY_V_(strip)(int strip, int masked, int packed, const HFY_S_ *const *w, const unsigned char *used,
                               const HFY_S_ *const *row, const HFY_S_ *x, size_t x_stride, size_t count, size_t k,
                               size_t n, HFY_S_ *const *z, size_t queries)
{
    enum { lanes = HFY_LANES_ };
    const HFY_V_(tail) t = HFY_V_(first)(masked ? n : 0);
    const HFY_S_ *pw[HFY_BATCH_];
    HFY_V_(vec) acc[HFY_BATCH_ * HFY_STRIP_], v[HFY_STRIP_];
    size_t i;
    int c, j;
    HFY_UNROLL_ for (j = 0; j < HFY_BATCH_; j++) {
        pw[j] = packed ? w[0] + j : w[j];
        HFY_UNROLL_ for (c = 0; c < strip; c++)
            acc[j * HFY_STRIP_ + c] = masked ? HFY_V_(load_n)(z[j] + k, t) : HFY_V_(load)(z[j] + k + c * lanes);
    }
    x += k;
    for (i = 0; i < count; i++, x += packed ? 0 : x_stride) {
        const unsigned bits = packed ? used[i] : 0;
        if (packed) x = row[i] + k;
        HFY_UNROLL_ for (c = 0; c < strip; c++) {
            v[c] = masked ? HFY_V_(load_n)(x, t) : HFY_V_(load)(x + c * lanes);
            HFY_PIN_(v[c]);
        }
        HFY_UNROLL_ for (j = 0; j < HFY_BATCH_; j++)
            if (!packed || (bits >> j & 1)) {
                HFY_V_(vec) a = HFY_V_(set)(pw[j][packed ? i * HFY_BATCH_ : i]);
                HFY_UNROLL_ for (c = 0; c < strip; c++)
                    acc[j * HFY_STRIP_ + c] = HFY_V_(fma)(a, v[c], acc[j * HFY_STRIP_ + c]);
            }
    }
    HFY_UNROLL_ for (j = 0; j < HFY_BATCH_; j++)
        if ((size_t)j < queries) {
            HFY_UNROLL_ for (c = 0; c < strip; c++)
                if (masked)
                    HFY_V_(store_n)(z[j] + k, acc[j * HFY_STRIP_ + c], t);
                else
                    HFY_V_(store)(z[j] + k + c * lanes, acc[j * HFY_STRIP_ + c]);
        }
}

/* All columns. While a strip is worked on, the same columns of `ahead` rows at `next` are fetched into L2. */
HFY_INLINE_ void HFY_V_(strips)(int packed, const HFY_S_ *const *w, const unsigned char *used, const HFY_S_ *const *row,
                                const HFY_S_ *x, size_t x_stride, size_t count, size_t dim, HFY_S_ *const *z,
                                size_t queries, const HFY_S_ *next, size_t ahead)
{
    enum { lanes = HFY_LANES_, wide = HFY_STRIP_ * HFY_LANES_, line = 64 / sizeof(HFY_S_) };
    size_t k = 0, i, l;
    for (; k + wide <= dim; k += wide) {
        for (i = 0; i < ahead; i++)
            for (l = 0; l < wide; l += line) HFY_PREFETCH_L2_(next + i * x_stride + k + l);
        HFY_V_(strip)(HFY_STRIP_, 0, packed, w, used, row, x, x_stride, count, k, 0, z, queries);
    }
    for (i = 0; i < ahead; i++)
        for (l = k; l < dim; l += line) HFY_PREFETCH_L2_(next + i * x_stride + l);
    for (; k + lanes <= dim; k += lanes)
        HFY_V_(strip)(1, 0, packed, w, used, row, x, x_stride, count, k, 0, z, queries);
    if (k < dim) HFY_V_(strip)(1, 1, packed, w, used, row, x, x_stride, count, k, dim - k, z, queries);
}

/* How many of n (at most LIST) weights are not zero. */
HFY_INLINE_ size_t HFY_V_(nonzero)(const HFY_S_ *w, size_t n)
{
    enum { lanes = HFY_LANES_ };
    const HFY_V_(vec) zero = HFY_V_(zero)(), one = HFY_V_(set)(1);
    HFY_V_(vec) many = zero;
    HFY_S_ sum;
    size_t i = 0;
    for (; i + lanes <= n; i += lanes)
        many = HFY_V_(add)(many, HFY_V_(select)(HFY_V_(lt)(zero, HFY_V_(abs)(HFY_V_(load)(w + i))), one, zero));
    HFY_V_(fold)(&many, 1, &sum);
    for (; i < n; i++) sum += (HFY_S_)(w[i] > 0 || w[i] < 0);
    return (size_t)sum;
}

HFY_TARGET_ void HFY_V_(combine)(const HFY_S_ *w, size_t w_stride, size_t nq, const HFY_S_ *x, size_t x_stride,
                                 size_t rows, size_t dim, HFY_S_ *z, size_t z_stride)
{
    const HFY_S_ *row[HFY_LIST_ + 4], *pw[HFY_BATCH_];
    HFY_S_ part[HFY_LIST_ * HFY_BATCH_], *pz[HFY_BATCH_];
    unsigned char used[HFY_LIST_];
    size_t block = HFY_LIST_, i0, i, j, s;
    while (block > 16 && block * dim * sizeof *x > 524288) block /= 2; /* in L2 while the queries pass */
    for (i0 = 0; i0 < rows; i0 += block) {
        const HFY_S_ *px = x + i0 * x_stride;
        size_t n = hfy_base_min_(block, rows - i0), ahead = hfy_base_min_(n, rows - i0 - n), next = 0, fetch = 0;
        size_t share = (ahead + nq / HFY_BATCH_) / (nq / HFY_BATCH_ + 1);
        for (j = 0; j < nq; j += HFY_BATCH_) {
            size_t queries = hfy_base_min_(HFY_BATCH_, nq - j), count = 0, pairs = 0;
            for (s = 0; s < HFY_BATCH_; s++) { /* the edge repeats the last query and drops what comes of it */
                pw[s] = w + (j + (s < queries ? s : queries - 1)) * w_stride + i0;
                pz[s] = z + (j + (s < queries ? s : queries - 1)) * z_stride;
                if (s < queries) pairs += HFY_V_(nonzero)(pw[s], n);
            }
            next += fetch; /* of the next rows, each batch fetches its share */
            fetch = hfy_base_min_(nq > HFY_BATCH_ ? share : 0, ahead - next);
            if (queries > 1 && pairs == n * queries) {
                HFY_V_(strips)(0, pw, NULL, NULL, px, x_stride, n, dim, pz, queries, px + (n + next) * x_stride, fetch);
            } else if (queries > 1 && 3 * pairs >= n * queries) {
                for (i = 0; i < n; i++) {
                    unsigned bits = 0;
                    for (s = 0; s < HFY_BATCH_; s++) {
                        HFY_S_ a = part[count * HFY_BATCH_ + s] = pw[s][i];
                        bits |= (unsigned)(a > 0 || a < 0) << s;
                    }
                    row[count] = px + i * x_stride;
                    used[count] = (unsigned char)bits;
                    count += bits != 0;
                }
                pw[0] = part;
                HFY_V_(strips)(1, pw, used, row, px, x_stride, count, dim, pz, queries, px + (n + next) * x_stride,
                               fetch);
            } else { /* few weights: one query after the other */
                for (s = 0; s < queries; s++) {
                    for (i = 0, count = 0; i < n; i++)
                        if (pw[s][i] > 0 || pw[s][i] < 0) row[count] = px + i * x_stride, part[count++] = pw[s][i];
                    HFY_V_(rows)(part, row, count, dim, pz[s]);
                }
            }
        }
    }
}

HFY_TARGET_ void HFY_V_(gather)(const size_t *index, const HFY_S_ *w, size_t count, const HFY_S_ *x, size_t x_stride,
                                size_t dim, HFY_S_ *z)
{
    const HFY_S_ *row[HFY_LIST_ + 4];
    HFY_S_ part[HFY_LIST_];
    size_t l = 0, n;
    while (l < count) {
        for (n = 0; l < count && n < HFY_LIST_; l++)
            if (w[l] > 0 || w[l] < 0) row[n] = x + index[l] * x_stride, part[n++] = w[l];
        HFY_V_(rows)(part, row, n, dim, z);
    }
}
#undef HFY_LIST_

HFY_TARGET_ HFY_S_ HFY_V_(largest)(const HFY_S_ *x, size_t n)
{
    enum { lanes = HFY_LANES_ };
    const HFY_V_(vec) least = HFY_V_(set)((HFY_S_)-HUGE_VAL);
    HFY_V_(vec) a = least, b = least, c = least, d = least;
    HFY_V_(cond) nan = HFY_V_(nan)(least, least);
    HFY_S_ lane[HFY_LANES_];
    size_t i = 0;
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
        HFY_V_(vec) v0 = HFY_V_(load)(x + i), v1 = HFY_V_(load)(x + i + lanes);
        HFY_V_(vec) v2 = HFY_V_(load)(x + i + 2 * lanes), v3 = HFY_V_(load)(x + i + 3 * lanes);
        nan = HFY_V_(either)(nan, HFY_V_(either)(HFY_V_(nan)(v0, v1), HFY_V_(nan)(v2, v3)));
        a = HFY_V_(max)(a, v0), b = HFY_V_(max)(b, v1), c = HFY_V_(max)(c, v2), d = HFY_V_(max)(d, v3);
    }
    for (; i < n; i += lanes) {
        HFY_V_(vec) v;
        if (i + lanes <= n)
            v = HFY_V_(load)(x + i);
        else
            v = HFY_V_(inside)(HFY_V_(first)(n - i), HFY_V_(load_n)(x + i, HFY_V_(first)(n - i)), least);
        nan = HFY_V_(either)(nan, HFY_V_(nan)(v, v));
        a = HFY_V_(max)(a, v);
    }
    if (HFY_V_(bits)(nan)) {
        for (i = 0; i + 1 < n && !hfy_base_is_nan_((double)x[i]);) i++;
        return x[i];
    }
    HFY_V_(store)(lane, HFY_V_(max)(HFY_V_(max)(a, b), HFY_V_(max)(c, d)));
    for (i = 1; i < lanes; i++)
        if (lane[i] > lane[0]) lane[0] = lane[i];
    return lane[0];
}

#ifdef HFY_PACK_
/* The window's step for one vector of doubles that stand at i .. */
HFY_INLINE_ size_t HFY_D_(keep)(HFY_D_(vec) x, HFY_D_(vec) max, HFY_D_(vec) width, size_t i, size_t *index,
                                double *delta, size_t count)
{
    HFY_D_(vec) d = HFY_D_(sub)(max, x);
    unsigned bits = HFY_D_(bits)(HFY_D_(either)(HFY_D_(lt)(d, width), HFY_D_(le)(d, HFY_D_(zero)())));
    if (!bits) return count;
    HFY_D_(store)(delta + count, HFY_D_(pack)(bits, d)); /* count <= i: within what was asked for */
    HFY_D_(index_store)(index + count, HFY_D_(index_pack)(bits, HFY_D_(index_from)(i)));
    return count + HFY_D_(count)(bits);
}
#endif

HFY_TARGET_ size_t HFY_V_(window)(const HFY_S_ *x, size_t n, HFY_S_ max, double width, size_t *index, double *delta)
{
    enum { lanes = HFY_LANES_ };
    const double edge = (double)max - width;
    /* d < width implies x > max - width, so x >= that rounded to double and then to hfy_real: rounding is monotonic */
    const HFY_V_(vec) least = HFY_V_(set)(edge < (double)max ? (HFY_S_)edge : max);
    size_t i = 0, k, count = 0;
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
        HFY_V_(vec) v0 = HFY_V_(load)(x + i), v1 = HFY_V_(load)(x + i + lanes);
        HFY_V_(vec) v2 = HFY_V_(load)(x + i + 2 * lanes), v3 = HFY_V_(load)(x + i + 3 * lanes);
        HFY_V_(vec) most = HFY_V_(max)(HFY_V_(max)(v0, v1), HFY_V_(max)(v2, v3));
        if (!HFY_V_(bits)(HFY_V_(le)(least, most))) continue;
#ifdef HFY_PACK_
        for (k = i; k < i + 4 * lanes; k += lanes) {
            HFY_D_(vec) m = HFY_D_(set)((double)max), wide = HFY_D_(set)(width);
            HFY_V_(vec) v = HFY_V_(load)(x + k);
            if (!HFY_V_(bits)(HFY_V_(le)(least, v))) continue;
#ifdef HFY_DOUBLE
            count = HFY_D_(keep)(v, m, wide, k, index, delta, count);
#else
            count = HFY_D_(keep)(HFY_F_(low)(v), m, wide, k, index, delta, count);
            count = HFY_D_(keep)(HFY_F_(high)(v), m, wide, k + lanes / 2, index, delta, count);
#endif
        }
#else
        for (k = i; k < i + 4 * lanes; k++) {
            double d = (double)max - (double)x[k];
            index[count] = k, delta[count] = d;
            count += d < width || d <= 0;
        }
#endif
    }
    for (; i < n; i++) {
        double d = (double)max - (double)x[i];
        index[count] = i, delta[count] = d;
        count += d < width || d <= 0;
    }
    return count;
}

/* e^(x + low) / 2^n, in about [0.7, 1.42]; |low| is tiny. */
HFY_INLINE_ HFY_D_(vec) HFY_D_(exp_parts)(HFY_D_(vec) x, HFY_D_(vec) low, HFY_D_(vec) *n)
{
    HFY_D_(vec) r, p;
    *n = HFY_D_(round)(HFY_D_(mul)(x, HFY_D_(set)(1.4426950408889634)));
    r = HFY_D_(fnma)(*n, HFY_D_(set)(0.693147180559663), x); /* log 2 in two parts; the first product is exact */
    r = HFY_D_(add)(HFY_D_(fnma)(*n, HFY_D_(set)(2.8235290563031577e-13), r), low);
    p = HFY_D_(set)(2.5000041132570032e-08); /* e^r = 1 + r + r^2 p(r): minimax for |r| <= log(2)/2 */
    p = HFY_D_(fma)(p, r, HFY_D_(set)(2.763024782743285e-07));
    p = HFY_D_(fma)(p, r, HFY_D_(set)(2.7557586429014112e-06));
    p = HFY_D_(fma)(p, r, HFY_D_(set)(2.4801493100505613e-05));
    p = HFY_D_(fma)(p, r, HFY_D_(set)(0.0001984126950652915));
    p = HFY_D_(fma)(p, r, HFY_D_(set)(0.0013888888943628529));
    p = HFY_D_(fma)(p, r, HFY_D_(set)(0.008333333333494479));
    p = HFY_D_(fma)(p, r, HFY_D_(set)(0.04166666666653016));
    p = HFY_D_(fma)(p, r, HFY_D_(set)(0.16666666666666413));
    p = HFY_D_(fma)(p, r, HFY_D_(set)(0.5000000000000011));
    return HFY_D_(add)(HFY_D_(fma)(HFY_D_(mul)(r, r), p, r), HFY_D_(set)(1.0));
}
#ifndef HFY_DOUBLE
HFY_INLINE_ HFY_F_(vec) HFY_F_(exp_parts)(HFY_F_(vec) x, HFY_F_(vec) low, HFY_F_(vec) *n)
{
    HFY_F_(vec) r, p, h, u, tail;
    *n = HFY_F_(round)(HFY_F_(mul)(x, HFY_F_(set)(1.44269502f)));
    h = HFY_F_(fnma)(*n, HFY_F_(set)(0.693359375f), x);
    u = HFY_F_(fnma)(*n, HFY_F_(set)(-2.12194442e-4f), low);
    r = HFY_F_(add)(h, u);
    tail = HFY_F_(sub)(u, HFY_F_(sub)(r, h)); /* what r lost */
    p = HFY_F_(set)(1.38145988e-3f);
    p = HFY_F_(fma)(p, r, HFY_F_(set)(8.36871658e-3f));
    p = HFY_F_(fma)(p, r, HFY_F_(set)(4.1668389e-2f));
    p = HFY_F_(fma)(p, r, HFY_F_(set)(0.166665211f));
    p = HFY_F_(fma)(p, r, HFY_F_(set)(0.49999994f));
    return HFY_F_(add)(HFY_F_(add)(r, HFY_F_(fma)(HFY_F_(mul)(r, r), p, tail)), HFY_F_(set)(1.0f));
}
/* least argument with a normal result, with a result above half the least denormal, largest with a finite result; how
   many powers of two the least denormal is down */
#define HFY_EXP_NORMAL_ (-87.33654022f)
#define HFY_EXP_LEAST_ (-104.0f)
#define HFY_EXP_MOST_ 88.72283173f
#define HFY_EXP_UNITS_ 149.0f
#else
#define HFY_EXP_NORMAL_ (-708.3964185322641)
#define HFY_EXP_LEAST_ (-745.2)
#define HFY_EXP_MOST_ 709.782712893384
#define HFY_EXP_UNITS_ 1074.0
#endif

HFY_INLINE_ HFY_V_(vec) HFY_V_(exp1)(HFY_V_(vec) x)
{
    const HFY_V_(vec) most = HFY_V_(set)(HFY_EXP_MOST_);
    HFY_V_(vec) n, p, y, d, inside = HFY_V_(min)(HFY_V_(max)(x, HFY_V_(set)(HFY_EXP_LEAST_)), most);
    p = HFY_V_(exp_parts)(inside, HFY_V_(zero)(), &n);
    y = HFY_V_(scale2)(p, n);
    d = HFY_V_(denormal)(HFY_V_(scale2)(p, HFY_V_(add)(n, HFY_V_(set)(HFY_EXP_UNITS_))));
    y = HFY_V_(select)(HFY_V_(lt)(inside, HFY_V_(set)(HFY_EXP_NORMAL_)), d, y);
    y = HFY_V_(select)(HFY_V_(lt)(most, x), HFY_V_(set)((HFY_S_)HUGE_VAL), y);
    return HFY_V_(select)(HFY_V_(nan)(x, x), HFY_V_(add)(x, x), y);
}

HFY_TARGET_ void HFY_V_(exp)(const HFY_S_ *x, size_t n, HFY_S_ *y)
{
    enum { lanes = HFY_LANES_ };
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) HFY_V_(store)(y + i, HFY_V_(exp1)(HFY_V_(load)(x + i)));
    if (i < n) {
        HFY_V_(tail) t = HFY_V_(first)(n - i);
        HFY_V_(store_n)(y + i, HFY_V_(exp1)(HFY_V_(load_n)(x + i, t)), t);
    }
}

/* e^(x - max), with what the subtraction lost (Knuth's two-sum) put back. */
HFY_INLINE_ HFY_V_(vec) HFY_V_(softmax1)(HFY_V_(vec) x, HFY_V_(vec) max)
{
    const HFY_V_(vec) tiny = HFY_V_(set)((HFY_S_)HFY_SIMD_TINY_);
    HFY_V_(vec) d = HFY_V_(sub)(x, max), part = HFY_V_(sub)(d, x), n, p;
    HFY_V_(vec) lost = HFY_V_(sub)(HFY_V_(sub)(x, HFY_V_(sub)(d, part)), HFY_V_(add)(max, part));
    p = HFY_V_(exp_parts)(HFY_V_(max)(d, tiny), lost, &n);
    return HFY_V_(select)(HFY_V_(le)(tiny, d), HFY_V_(scale2)(p, n), HFY_V_(zero)());
}

HFY_INLINE_ double HFY_D_(total)(HFY_D_(vec) a, HFY_D_(vec) b)
{
    double lane[HFY_BYTES_ / 8], sum = 0;
    size_t l;
    HFY_D_(store)(lane, HFY_D_(add)(a, b));
    for (l = 0; l < HFY_BYTES_ / 8; l++) sum += lane[l];
    return sum;
}

HFY_TARGET_ double HFY_V_(softmax)(const HFY_S_ *x, size_t n, HFY_S_ max, HFY_S_ *y)
{
    enum { lanes = HFY_LANES_ };
    const HFY_V_(vec) m = HFY_V_(set)(max);
    HFY_D_(vec) low = HFY_D_(zero)(), high = HFY_D_(zero)();
    size_t i = 0;
#ifndef HFY_DOUBLE
    for (; i + 4 * lanes <= n; i += 4 * lanes) { /* four at a time are added in float, their sum in double */
        HFY_F_(vec) a = HFY_F_(softmax1)(HFY_F_(load)(x + i), m);
        HFY_F_(vec) b = HFY_F_(softmax1)(HFY_F_(load)(x + i + lanes), m);
        HFY_F_(vec) c = HFY_F_(softmax1)(HFY_F_(load)(x + i + 2 * lanes), m);
        HFY_F_(vec) d = HFY_F_(softmax1)(HFY_F_(load)(x + i + 3 * lanes), m);
        HFY_F_(store)(y + i, a);
        HFY_F_(store)(y + i + lanes, b);
        HFY_F_(store)(y + i + 2 * lanes, c);
        HFY_F_(store)(y + i + 3 * lanes, d);
        a = HFY_F_(add)(HFY_F_(add)(a, b), HFY_F_(add)(c, d));
        low = HFY_D_(add)(low, HFY_F_(low)(a));
        high = HFY_D_(add)(high, HFY_F_(high)(a));
    }
#endif
    while (i < n) {
        HFY_V_(vec) v;
        if (i + lanes <= n) {
            v = HFY_V_(softmax1)(HFY_V_(load)(x + i), m);
            HFY_V_(store)(y + i, v);
        } else {
            HFY_V_(tail) t = HFY_V_(first)(n - i);
            v = HFY_V_(inside)(t, HFY_V_(softmax1)(HFY_V_(load_n)(x + i, t), m), HFY_V_(zero)());
            HFY_V_(store_n)(y + i, v, t);
        }
#ifdef HFY_DOUBLE
        if (i & HFY_LANES_)
            high = HFY_D_(add)(high, v);
        else
            low = HFY_D_(add)(low, v);
#else
        low = HFY_D_(add)(low, HFY_F_(low)(v));
        high = HFY_D_(add)(high, HFY_F_(high)(v));
#endif
        i += lanes;
    }
    return HFY_D_(total)(low, high);
}

HFY_TARGET_ void HFY_V_(scale)(HFY_S_ *y, size_t n, double a)
{
    enum { lanes = HFY_LANES_ };
    const HFY_V_(vec) by = HFY_V_(set)((HFY_S_)a);
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) HFY_V_(store)(y + i, HFY_V_(mul)(by, HFY_V_(load)(y + i)));
    for (; i < n; i++) y[i] = (HFY_S_)a * y[i];
}

HFY_TARGET_ void HFY_D_(below)(const double *d, size_t n, double t, double sums[3])
{
    enum { lanes = HFY_BYTES_ / 8 };
    const HFY_D_(vec) edge = HFY_D_(set)(t), zero = HFY_D_(zero)(), one = HFY_D_(set)(1.0);
    HFY_D_(vec) count0 = zero, count1 = zero, sum0 = zero, sum1 = zero, square0 = zero, square1 = zero, r, v;
    size_t i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        v = HFY_D_(load)(d + i);
        r = HFY_D_(max)(HFY_D_(sub)(edge, v), zero);
        count0 = HFY_D_(add)(count0, HFY_D_(select)(HFY_D_(lt)(v, edge), one, zero));
        sum0 = HFY_D_(add)(sum0, r), square0 = HFY_D_(fma)(r, r, square0);
        v = HFY_D_(load)(d + i + lanes);
        r = HFY_D_(max)(HFY_D_(sub)(edge, v), zero);
        count1 = HFY_D_(add)(count1, HFY_D_(select)(HFY_D_(lt)(v, edge), one, zero));
        sum1 = HFY_D_(add)(sum1, r), square1 = HFY_D_(fma)(r, r, square1);
    }
    for (; i < n; i += lanes) {
        if (i + lanes <= n)
            v = HFY_D_(load)(d + i);
        else
            v = HFY_D_(inside)(HFY_D_(first)(n - i), HFY_D_(load_n)(d + i, HFY_D_(first)(n - i)), edge);
        r = HFY_D_(max)(HFY_D_(sub)(edge, v), zero);
        count0 = HFY_D_(add)(count0, HFY_D_(select)(HFY_D_(lt)(v, edge), one, zero));
        sum0 = HFY_D_(add)(sum0, r), square0 = HFY_D_(fma)(r, r, square0);
    }
    sums[0] = HFY_D_(total)(count0, count1);
    sums[1] = HFY_D_(total)(sum0, sum1);
    sums[2] = HFY_D_(total)(square0, square1);
}

HFY_TARGET_ size_t HFY_D_(keep_below)(double *d, size_t *index, size_t n, double t)
{
    size_t i = 0, count = 0;
#ifdef HFY_PACK_
    enum { lanes = HFY_BYTES_ / 8 };
    const HFY_D_(vec) edge = HFY_D_(set)(t);
    for (; i + lanes <= n; i += lanes) {
        HFY_D_(vec) v = HFY_D_(load)(d + i);
        unsigned bits = HFY_D_(bits)(HFY_D_(lt)(v, edge));
        if (bits) {
            HFY_D_(whole) at = HFY_D_(index_load)(index + i);
            HFY_D_(store)(d + count, HFY_D_(pack)(bits, v));
            HFY_D_(index_store)(index + count, HFY_D_(index_pack)(bits, at));
            count += HFY_D_(count)(bits);
        }
    }
#endif
    for (; i < n; i++) {
        double v = d[i];
        size_t at = index[i];
        d[count] = v, index[count] = at;
        count += v < t;
    }
    return count;
}

/* log(1 + v) from b = 1 + v rounded, for -1 < v <= 1e300; also 1/b, to a few ulp. */
HFY_INLINE_ HFY_D_(vec) HFY_D_(log1p)(HFY_D_(vec) v, HFY_D_(vec) b, HFY_D_(vec) *inverse)
{
    /* what the addition lost; then b = 2^k (1 + f), log(1 + f) = 2 atanh(s), s = f/(2 + f); one division for all */
    HFY_D_(vec) part = HFY_D_(sub)(b, v), k, f, g, s, z, p, half, over;
    HFY_D_(vec) lost = HFY_D_(add)(HFY_D_(sub)(v, HFY_D_(sub)(b, part)), HFY_D_(sub)(HFY_D_(set)(1.0), part));
    f = HFY_D_(sub)(HFY_D_(mantissa)(b, &k), HFY_D_(set)(1.0));
    g = HFY_D_(add)(f, HFY_D_(set)(2.0));
    over = HFY_D_(div)(HFY_D_(set)(1.0), HFY_D_(mul)(b, g));
    *inverse = HFY_D_(mul)(over, g);
    s = HFY_D_(mul)(f, HFY_D_(mul)(over, b));
    z = HFY_D_(mul)(s, s);
    p = HFY_D_(set)(0.14797502272859106); /* (2 atanh(s)/s - 2)/z: minimax for |f| up to sqrt(2) - 1 */
    p = HFY_D_(fma)(p, z, HFY_D_(set)(0.153139037143084));
    p = HFY_D_(fma)(p, z, HFY_D_(set)(0.18183569724916684));
    p = HFY_D_(fma)(p, z, HFY_D_(set)(0.22222198476201815));
    p = HFY_D_(fma)(p, z, HFY_D_(set)(0.28571428743261246));
    p = HFY_D_(fma)(p, z, HFY_D_(set)(0.39999999999411096));
    p = HFY_D_(mul)(z, HFY_D_(fma)(p, z, HFY_D_(set)(0.6666666666666735)));
    half = HFY_D_(mul)(HFY_D_(set)(0.5), HFY_D_(mul)(f, f)); /* 2 atanh(s) = f - (f^2/2 - s (f^2/2 + p)) */
    p = HFY_D_(mul)(s, HFY_D_(add)(half, p));
    p = HFY_D_(add)(p, HFY_D_(fma)(k, HFY_D_(set)(2.8235290563031577e-13), HFY_D_(mul)(lost, *inverse)));
    p = HFY_D_(sub)(f, HFY_D_(sub)(half, p));
    return HFY_D_(fma)(k, HFY_D_(set)(0.693147180559663), p);
}

/* One vector of powers; adds to the two sums. */
HFY_INLINE_ HFY_D_(vec)
    HFY_D_(powers1)(HFY_D_(vec) d, HFY_D_(vec) u, HFY_D_(vec) e, HFY_D_(vec) *sum, HFY_D_(vec) *slope)
{
    const HFY_D_(vec) zero = HFY_D_(zero)(), least = HFY_D_(set)(-708.0), most = HFY_D_(set)(709.782712893384);
    HFY_D_(vec) v = HFY_D_(min)(HFY_D_(fnma)(u, d, zero), HFY_D_(set)(1e300)), b = HFY_D_(add)(HFY_D_(set)(1.0), v);
    HFY_D_(vec) y, n, p, inverse;
    HFY_D_(cond) live = HFY_D_(lt)(zero, b);
    y = HFY_D_(mul)(e, HFY_D_(log1p)(v, b, &inverse));
    p = HFY_D_(exp_parts)(HFY_D_(min)(HFY_D_(max)(y, least), most), zero, &n);
    p = HFY_D_(scale2)(p, n);
    p = HFY_D_(select)(HFY_D_(lt)(most, y), HFY_D_(set)(HUGE_VAL), p);
    p = HFY_D_(select)(live, HFY_D_(select)(HFY_D_(lt)(y, least), zero, p), zero);
    *sum = HFY_D_(add)(*sum, p);
    *slope = HFY_D_(add)(*slope, HFY_D_(select)(HFY_D_(lt)(zero, p), HFY_D_(mul)(p, inverse), zero));
    return p;
}

HFY_TARGET_ void HFY_D_(powers)(const double *d, size_t n, double u, double e, double *p, double sums[2])
{
    enum { lanes = HFY_BYTES_ / 8 };
    const HFY_D_(vec) vu = HFY_D_(set)(u), ve = HFY_D_(set)(e);
    HFY_D_(vec) sum = HFY_D_(zero)(), slope = HFY_D_(zero)();
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) HFY_D_(store)(p + i, HFY_D_(powers1)(HFY_D_(load)(d + i), vu, ve, &sum, &slope));
    if (i < n) {
        HFY_D_(tail) t = HFY_D_(first)(n - i);
        HFY_D_(vec) rest_sum = HFY_D_(zero)(), rest_slope = HFY_D_(zero)();
        HFY_D_(store_n)(p + i, HFY_D_(powers1)(HFY_D_(load_n)(d + i, t), vu, ve, &rest_sum, &rest_slope), t);
        sum = HFY_D_(add)(sum, HFY_D_(inside)(t, rest_sum, HFY_D_(zero)()));
        slope = HFY_D_(add)(slope, HFY_D_(inside)(t, rest_slope, HFY_D_(zero)()));
    }
    sums[0] = HFY_D_(total)(sum, HFY_D_(zero)());
    sums[1] = HFY_D_(total)(slope, HFY_D_(zero)());
}

HFY_TARGET_ void HFY_D_(clip)(const double *v, const double *lower, const double *upper, double cap, size_t n,
                              double tau, double sums[2])
{
    enum { lanes = HFY_BYTES_ / 8 };
    const HFY_D_(vec) shift = HFY_D_(set)(tau), zero = HFY_D_(zero)(), one = HFY_D_(set)(1.0), most = HFY_D_(set)(cap);
    HFY_D_(vec) sum = zero, between = zero;
    size_t i;
    for (i = 0; i < n; i += lanes) {
        const int whole = i + lanes <= n;
        HFY_D_(tail) t = HFY_D_(first)(whole ? 0 : n - i);
        HFY_D_(vec) y = HFY_D_(sub)(whole ? HFY_D_(load)(v + i) : HFY_D_(load_n)(v + i, t), shift);
        HFY_D_(vec) low = !lower ? zero : whole ? HFY_D_(load)(lower + i) : HFY_D_(load_n)(lower + i, t);
        HFY_D_(vec) high = !upper ? most : whole ? HFY_D_(load)(upper + i) : HFY_D_(load_n)(upper + i, t);
        HFY_D_(vec) is_free = HFY_D_(select)(HFY_D_(lt)(low, y), HFY_D_(select)(HFY_D_(lt)(y, high), one, zero), zero);
        y = HFY_D_(max)(y, low);
        y = HFY_D_(select)(HFY_D_(lt)(y, high), y, high);
        sum = HFY_D_(add)(sum, whole ? y : HFY_D_(inside)(t, y, zero));
        between = HFY_D_(add)(between, whole ? is_free : HFY_D_(inside)(t, is_free, zero));
    }
    sums[0] = HFY_D_(total)(sum, zero);
    sums[1] = HFY_D_(total)(between, zero);
}

#define HFY_TEXT_2_(token) #token
#define HFY_TEXT_(token) HFY_TEXT_2_(token)
static const hfy_simd_ HFY_PASTE_(table, real, HFY_ISA_) = {HFY_TEXT_(HFY_ISA_),
                                                            (hfy_isa)HFY_SIMD_PASS_,
                                                            HFY_V_(dot),
                                                            HFY_V_(euclidean),
                                                            HFY_V_(manhattan),
                                                            HFY_V_(combine),
                                                            HFY_V_(gather),
                                                            HFY_V_(largest),
                                                            HFY_V_(window),
                                                            HFY_V_(softmax),
                                                            HFY_V_(scale),
                                                            HFY_V_(exp),
                                                            HFY_D_(below),
                                                            HFY_D_(keep_below),
                                                            HFY_D_(powers),
                                                            HFY_D_(clip)};
#undef HFY_TEXT_
#undef HFY_TEXT_2_
#undef HFY_EXP_NORMAL_
#undef HFY_EXP_LEAST_
#undef HFY_EXP_MOST_
#undef HFY_EXP_UNITS_
#undef HFY_PACK_
#endif /* HFY_GEMM_PASS_ */
#endif /* HFY_SIMD_PASS_ */

#if defined(HFY_BODIES_) && !defined(HFY_SIMD_PASS_)

#if defined(HFY_SIMD_X86_)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push /* g++ warns of its own AVX-512 header */
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#define HFY_SIMD_PASS_ 2 /* HFY_ISA_SSE2 */
#include HFY_FILE
#define HFY_SIMD_PASS_ 3 /* HFY_ISA_AVX2 */
#include HFY_FILE
#define HFY_SIMD_PASS_ 4 /* HFY_ISA_AVX512 */
#include HFY_FILE
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#elif defined(HFY_SIMD_NEON_)
#define HFY_SIMD_PASS_ 5 /* HFY_ISA_NEON */
#include HFY_FILE
#endif

/* --- choice --- */

/* Has this machine (and its operating system) the instruction set? */
HFY_PRIVATE_ int hfy_simd_has_(hfy_isa isa)
{
#if defined(HFY_SIMD_X86_) && defined(__GNUC__) && !defined(_MSC_VER)
    __builtin_cpu_init();
    if (isa == HFY_ISA_SSE2) return __builtin_cpu_supports("sse2") != 0;
    if (isa == HFY_ISA_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("popcnt");
    if (isa == HFY_ISA_AVX512)
        return hfy_simd_has_(HFY_ISA_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#elif defined(HFY_SIMD_X86_)
    int leaf1[4], leaf7[4] = {0, 0, 0, 0};
    unsigned saved; /* which registers the operating system saves */
    __cpuid(leaf7, 0);
    if (leaf7[0] < 7)
        leaf7[1] = 0;
    else
        __cpuidex(leaf7, 7, 0);
    __cpuid(leaf1, 1);
    if (isa == HFY_ISA_SSE2) return leaf1[3] >> 26 & 1;
    if (!(leaf1[2] >> 27 & 1)) return 0;
    saved = (unsigned)_xgetbv(0);
    if (isa == HFY_ISA_AVX2)
        return (saved & 6) == 6 && (leaf7[1] >> 5 & 1) && (leaf1[2] >> 12 & 1) && (leaf1[2] >> 23 & 1);
    if (isa == HFY_ISA_AVX512)
        return hfy_simd_has_(HFY_ISA_AVX2) && (saved & 0xE6) == 0xE6 && (leaf7[1] >> 16 & 1) && (leaf7[1] >> 17 & 1) &&
               (leaf7[1] >> 30 & 1) && (leaf7[1] >> 31 & 1);
#elif defined(HFY_SIMD_NEON_)
    if (isa == HFY_ISA_NEON) return 1;
#endif
    return isa == HFY_ISA_SCALAR;
}

/* The best of this machine. */
HFY_PRIVATE_ hfy_isa hfy_simd_best_(void)
{
    static const hfy_isa order[] = {HFY_ISA_AVX512, HFY_ISA_AVX2, HFY_ISA_SSE2, HFY_ISA_NEON};
    size_t i;
    for (i = 0; i < sizeof order / sizeof order[0]; i++)
        if (hfy_simd_has_(order[i])) return order[i];
    return HFY_ISA_SCALAR;
}

/* The kernels of an instruction set, or NULL if this machine has it not. */
HFY_PRIVATE_ const hfy_simd_ *hfy_simd_of_(hfy_isa isa)
{
    if (isa == HFY_ISA_BEST) isa = hfy_simd_best_();
    if (!hfy_simd_has_(isa)) return NULL;
#if defined(HFY_SIMD_X86_)
    if (isa == HFY_ISA_SSE2) return &hfy_simd_table_real_sse2_;
    if (isa == HFY_ISA_AVX2) return &hfy_simd_table_real_avx2_;
    if (isa == HFY_ISA_AVX512) return &hfy_simd_table_real_avx512_;
#elif defined(HFY_SIMD_NEON_)
    if (isa == HFY_ISA_NEON) return &hfy_simd_table_real_neon_;
#endif
    return &hfy_simd_scalar_;
}

/* The kernels for a call; NULL after setting the message. */
HFY_PRIVATE_ const hfy_simd_ *hfy_simd_choose_(hfy_work *work)
{
    const hfy_simd_ *simd = hfy_simd_of_(work->isa);
    if (!simd)
        hfy_base_fail_(work, HFY_ERR_UNSUPPORTED,
                       "work->isa is %s, which this machine or build has not; 0 picks the best",
                       hfy_simd_text(work->isa));
    return simd;
}

HFY_API hfy_isa hfy_simd_isa(const hfy_work *work)
{
    const hfy_simd_ *simd = hfy_simd_of_(work ? work->isa : HFY_ISA_BEST);
    return simd ? simd->isa : work->isa;
}

HFY_API const char *hfy_simd_text(hfy_isa isa)
{
    static const char *const text[] = {"best", "scalar", "sse2", "avx2", "avx512", "neon"};
    size_t i = (size_t)isa;
    return i < sizeof text / sizeof text[0] ? text[i] : "unknown";
}

/* ------------------------------------------------------------------------------------------------------------------
   >>simd.int8   integer kernels of a prepared memory: int8 rows against an int16 query or a panel of int8 queries
   May call: base.
   Numerics: whole numbers, so every instruction set returns the same dots. A query that dots with one row has at most
   `levels` steps on either side of 0, chosen so that a segment of the dimension cannot overflow 32 bits.
   vpdpbusd multiplies unsigned by signed: one query is split into two unsigned bytes (the high one plus 128, mended by
   the row's sum); for panels the keys are made unsigned while they are packed (mended by the query's sum).
   Rows may be read up to 63 bytes beyond their end: the query is 0 there, and the last row has that much behind it.
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_SIMD_SEGMENT_ 32768 /* elements before a whole-number dot moves to double: 255 * 128 * 32768 < 2^31 */
#define HFY_SIMD_GROUP_ 8       /* queries of a panel */
#define HFY_SIMD_PAD_ 64        /* bytes readable behind the last row, zeros behind a query */
#define HFY_SIMD_TILE_ 32       /* the most rows of a tile */

/* A query in whole numbers, zeros behind it up to a multiple of HFY_SIMD_PAD_ elements. */
typedef struct hfy_simd_wide_ {
    size_t dim;
    const int16_t *whole;
    const unsigned char *high, *low; /* whole = 256 (high - 128) + low; read by kernels with planes only */
} hfy_simd_wide_;

/* The upper bound of a row's score is  (dot - offset) row_scale scale + shift + row_error near + row_spread rest. */
typedef struct hfy_simd_bound_ {
    double scale, shift, near, rest;
    double least; /* a row passes unless its bound is below this */
    int32_t offset;
} hfy_simd_bound_;

typedef struct hfy_simd_int8_ {
    const char *name;
    int planes;     /* dots come out too large by 32768 times the row's sum */
    int32_t offset; /* panel dots come out too large by this many times the query's sum */
    size_t step;    /* elements in a 32-bit word of a panel: int8 of them (4) or int16 (2) */
    size_t rows;    /* rows of a tile */
    /* out[i] = <row i, q> + the planes' 32768 sum; row list[i], or row i for a list of NULL */
    void (*dot)(const signed char *rows, size_t stride, const size_t *list, size_t count, const hfy_simd_wide_ *q,
                double *out);
    /* packs up to `rows` rows into tile: word w of row i at w*rows + i; room: ceil(dim/64) * 64 * rows * 4/step */
    void (*pack)(const signed char *rows, size_t stride, size_t count, size_t dim, void *tile);
    /* out[j*rows + i] = <row i, query j> (plus offset) for the GROUP queries of a panel: words at w*GROUP + j */
    void (*tile)(const void *tile, const int32_t *panel, size_t words, int32_t *out);
    /* bit i: row i of a tile passes */
    uint32_t (*pass)(const int32_t *dots, const float *scale, const float *error, const float *spread, size_t count,
                     const hfy_simd_bound_ *bound);
} hfy_simd_int8_;

/* --- portable --- */

HFY_PRIVATE_ void hfy_simd_int8_dot_scalar_(const signed char *rows, size_t stride, const size_t *list, size_t count,
                                            const hfy_simd_wide_ *q, double *out)
{
    size_t i, at, l;
    for (i = 0; i < count; i++) {
        const signed char *row = rows + (list ? list[i] : i) * stride;
        double total = 0;
        for (at = 0; at < q->dim;) {
            size_t end = at + hfy_base_min_(q->dim - at, HFY_SIMD_SEGMENT_);
            int32_t lane[8] = {0};
            for (; at + 8 <= end; at += 8)
                for (l = 0; l < 8; l++) lane[l] += (int32_t)q->whole[at + l] * row[at + l];
            for (; at < end; at++) lane[0] += (int32_t)q->whole[at] * row[at];
            for (l = 0; l < 8; l++) total += (double)lane[l];
        }
        out[i] = total;
    }
}

HFY_PRIVATE_ void hfy_simd_int8_pack_scalar_(const signed char *rows, size_t stride, size_t count, size_t dim,
                                             void *tile)
{
    int16_t *out = (int16_t *)tile;
    size_t i, d;
    for (i = 0; i < 16; i++) {
        const signed char *row = rows + (i < count ? i : count - 1) * stride;
        for (d = 0; d < dim; d++) out[(d / 2 * 16 + i) * 2 + d % 2] = row[d];
        if (dim % 2) out[(dim / 2 * 16 + i) * 2 + 1] = 0;
    }
}

HFY_PRIVATE_ void hfy_simd_int8_tile_scalar_(const void *tile, const int32_t *panel, size_t words, int32_t *out)
{
    const int16_t *x = (const int16_t *)tile;
    size_t w, i, j;
    for (j = 0; j < HFY_SIMD_GROUP_; j++) {
        int32_t sum[16] = {0};
        for (w = 0; w < words; w++) {
            int16_t pair[2];
            memcpy(pair, panel + w * HFY_SIMD_GROUP_ + j, sizeof pair);
            for (i = 0; i < 16; i++)
                sum[i] += (int32_t)x[32 * w + 2 * i] * pair[0] + (int32_t)x[32 * w + 2 * i + 1] * pair[1];
        }
        memcpy(out + j * 16, sum, sizeof sum);
    }
}

HFY_PRIVATE_ uint32_t hfy_simd_int8_pass_scalar_(const int32_t *dots, const float *scale, const float *error,
                                                 const float *spread, size_t count, const hfy_simd_bound_ *b)
{
    uint32_t mask = 0;
    size_t i;
    for (i = 0; i < count; i++) {
        double up = (double)(dots[i] - b->offset) * (double)scale[i] * b->scale +
                    ((double)error[i] * b->near + ((double)spread[i] * b->rest + b->shift));
        mask |= (uint32_t)!(up < b->least) << i;
    }
    return mask;
}

static const hfy_simd_int8_ hfy_simd_int8_scalar_ = {"portable",
                                                     0,
                                                     0,
                                                     2,
                                                     16,
                                                     hfy_simd_int8_dot_scalar_,
                                                     hfy_simd_int8_pack_scalar_,
                                                     hfy_simd_int8_tile_scalar_,
                                                     hfy_simd_int8_pass_scalar_};

#if defined(HFY_SIMD_X86_) && defined(__GNUC__) && defined(__x86_64__)
#define HFY_SIMD_INT8_X86_
#define HFY_SIMD_AVX2_ __attribute__((target("avx2,fma")))
#define HFY_SIMD_VNNI_ __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")))
#define HFY_SIMD_AHEAD_ 8 /* memory is sent for this many rows ahead */
#if !defined(__clang__)
#pragma GCC diagnostic push /* g++ warns of its own AVX-512 header */
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/* The rows i .. i+3 of a call, the last one again where there are fewer; rows to come are sent for. */
HFY_PRIVATE_ size_t hfy_simd_int8_four_(const signed char *rows, size_t stride, const size_t *list, size_t i,
                                        size_t count, size_t dim, const signed char *row[4])
{
    size_t l, d, n = count - i < 4 ? count - i : 4, most = hfy_base_min_(dim, 4096);
    for (l = 0; l < 4; l++) {
        size_t at = i + (l < n ? l : n - 1);
        uintptr_t next;
        row[l] = rows + (list ? list[at] : at) * stride;
        next = (uintptr_t)row[l] + HFY_SIMD_AHEAD_ * 768;
        if (list) next = (uintptr_t)(rows + list[at + HFY_SIMD_AHEAD_ < count ? at + HFY_SIMD_AHEAD_ : at] * stride);
        for (d = 0; d < most; d += 64) __builtin_prefetch((const void *)(next + d));
    }
    return n;
}

/* --- AVX2 --- */

HFY_PRIVATE_ HFY_SIMD_AVX2_ __m256i hfy_simd_int8_load_avx2_(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* 16 bytes as int16. */
HFY_PRIVATE_ HFY_SIMD_AVX2_ __m256i hfy_simd_int8_widen_avx2_(const void *p)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
}

/* The four sums of four vectors. */
HFY_PRIVATE_ HFY_SIMD_AVX2_ __m128i hfy_simd_int8_sums_avx2_(__m256i a, __m256i b, __m256i c, __m256i d)
{
    __m256i v = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

HFY_PRIVATE_ HFY_SIMD_AVX2_ void hfy_simd_int8_dot_avx2_(const signed char *rows, size_t stride, const size_t *list,
                                                         size_t count, const hfy_simd_wide_ *q, double *out)
{
    const signed char *row[4];
    double four[4];
    size_t i, n, at;
    for (i = 0; i < count; i += n) {
        __m256d total = _mm256_setzero_pd();
        n = hfy_simd_int8_four_(rows, stride, list, i, count, q->dim, row);
        for (at = 0; at < q->dim;) {
            size_t end = at + hfy_base_min_(q->dim - at, HFY_SIMD_SEGMENT_);
            __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
            for (; at < end; at += 16) {
                __m256i v = hfy_simd_int8_load_avx2_(q->whole + at);
                a = _mm256_add_epi32(a, _mm256_madd_epi16(v, hfy_simd_int8_widen_avx2_(row[0] + at)));
                b = _mm256_add_epi32(b, _mm256_madd_epi16(v, hfy_simd_int8_widen_avx2_(row[1] + at)));
                c = _mm256_add_epi32(c, _mm256_madd_epi16(v, hfy_simd_int8_widen_avx2_(row[2] + at)));
                d = _mm256_add_epi32(d, _mm256_madd_epi16(v, hfy_simd_int8_widen_avx2_(row[3] + at)));
            }
            total = _mm256_add_pd(total, _mm256_cvtepi32_pd(hfy_simd_int8_sums_avx2_(a, b, c, d)));
        }
        _mm256_storeu_pd(four, total);
        memcpy(out + i, four, n * sizeof *out);
    }
}

HFY_PRIVATE_ HFY_SIMD_AVX2_ void hfy_simd_int8_pack_avx2_(const signed char *rows, size_t stride, size_t count,
                                                          size_t dim, void *tile)
{
    unsigned char *out = (unsigned char *)tile;
    size_t half, d, l;
    for (half = 0; half < 2; half++) {
        const signed char *row[8];
        for (l = 0; l < 8; l++) row[l] = rows + hfy_base_min_(8 * half + l, count - 1) * stride;
        for (d = 0; d < dim; d += 16) { /* 8 rows x 8 pairs of int16, transposed */
            __m256i r[8], t[8];
#define HFY_SIMD_ROW_(l) r[l] = hfy_simd_int8_widen_avx2_(row[l] + d);
            HFY_SIMD_ROW_(0) HFY_SIMD_ROW_(1) HFY_SIMD_ROW_(2) HFY_SIMD_ROW_(3)
            HFY_SIMD_ROW_(4) HFY_SIMD_ROW_(5) HFY_SIMD_ROW_(6) HFY_SIMD_ROW_(7)
#undef HFY_SIMD_ROW_
#define HFY_SIMD_TWO_(l)                                                                                               \
    t[l] = _mm256_unpacklo_epi32(r[l], r[l + 1]), t[l + 1] = _mm256_unpackhi_epi32(r[l], r[l + 1]);
            HFY_SIMD_TWO_(0) HFY_SIMD_TWO_(2) HFY_SIMD_TWO_(4) HFY_SIMD_TWO_(6)
#undef HFY_SIMD_TWO_
#define HFY_SIMD_FOUR_(l)                                                                                              \
    r[l] = _mm256_unpacklo_epi64(t[l], t[l + 2]), r[l + 1] = _mm256_unpackhi_epi64(t[l], t[l + 2]);                    \
    r[l + 2] = _mm256_unpacklo_epi64(t[l + 1], t[l + 3]), r[l + 3] = _mm256_unpackhi_epi64(t[l + 1], t[l + 3]);
            HFY_SIMD_FOUR_(0) HFY_SIMD_FOUR_(4)
#undef HFY_SIMD_FOUR_
#define HFY_SIMD_OUT_(l)                                                                                               \
    _mm256_storeu_si256((__m256i *)(void *)(out + (d / 2 + l) * 64 + half * 32),                                       \
                        _mm256_permute2x128_si256(r[l], r[l + 4], 0x20));                                              \
    _mm256_storeu_si256((__m256i *)(void *)(out + (d / 2 + l + 4) * 64 + half * 32),                                   \
                        _mm256_permute2x128_si256(r[l], r[l + 4], 0x31));
            HFY_SIMD_OUT_(0) HFY_SIMD_OUT_(1) HFY_SIMD_OUT_(2) HFY_SIMD_OUT_(3)
#undef HFY_SIMD_OUT_
        }
    }
}

HFY_PRIVATE_ HFY_SIMD_AVX2_ void hfy_simd_int8_tile_avx2_(const void *tile, const int32_t *panel, size_t words,
                                                          int32_t *out)
{
    const unsigned char *x = (const unsigned char *)tile;
    size_t j, w;
    for (j = 0; j < HFY_SIMD_GROUP_; j += 4) {
        __m256i a0 = _mm256_setzero_si256(), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
        for (w = 0; w < words; w++) {
            __m256i u = hfy_simd_int8_load_avx2_(x + w * 64), v = hfy_simd_int8_load_avx2_(x + w * 64 + 32), q;
            const int32_t *p = panel + w * HFY_SIMD_GROUP_ + j;
#define HFY_SIMD_STEP_(l)                                                                                              \
    q = _mm256_set1_epi32(p[l]);                                                                                       \
    a##l = _mm256_add_epi32(a##l, _mm256_madd_epi16(u, q)), b##l = _mm256_add_epi32(b##l, _mm256_madd_epi16(v, q));
            HFY_SIMD_STEP_(0) HFY_SIMD_STEP_(1) HFY_SIMD_STEP_(2) HFY_SIMD_STEP_(3)
#undef HFY_SIMD_STEP_
        }
#define HFY_SIMD_OUT_(l)                                                                                               \
    _mm256_storeu_si256((__m256i *)(void *)(out + (j + l) * 16), a##l);                                                \
    _mm256_storeu_si256((__m256i *)(void *)(out + (j + l) * 16 + 8), b##l);
        HFY_SIMD_OUT_(0) HFY_SIMD_OUT_(1) HFY_SIMD_OUT_(2) HFY_SIMD_OUT_(3)
#undef HFY_SIMD_OUT_
    }
}

HFY_PRIVATE_ HFY_SIMD_AVX2_ uint32_t hfy_simd_int8_pass_avx2_(const int32_t *dots, const float *scale,
                                                              const float *error, const float *spread, size_t count,
                                                              const hfy_simd_bound_ *b)
{
    uint32_t mask = 0;
    size_t i;
    for (i = 0; i < count; i += 4) {
        __m128i dot =
            _mm_sub_epi32(_mm_loadu_si128((const __m128i *)(const void *)(dots + i)), _mm_set1_epi32(b->offset));
        __m256d up = _mm256_mul_pd(_mm256_cvtepi32_pd(dot), _mm256_cvtps_pd(_mm_loadu_ps(scale + i)));
        __m256d more = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm_loadu_ps(spread + i)), _mm256_set1_pd(b->rest),
                                       _mm256_set1_pd(b->shift));
        more = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm_loadu_ps(error + i)), _mm256_set1_pd(b->near), more);
        up = _mm256_fmadd_pd(up, _mm256_set1_pd(b->scale), more);
        mask |= (uint32_t)_mm256_movemask_pd(_mm256_cmp_pd(up, _mm256_set1_pd(b->least), _CMP_NLT_UQ)) << i;
    }
    return count < 32 ? mask & (((uint32_t)1 << count) - 1) : mask;
}

static const hfy_simd_int8_ hfy_simd_int8_avx2_ = {"avx2",
                                                   0,
                                                   0,
                                                   2,
                                                   16,
                                                   hfy_simd_int8_dot_avx2_,
                                                   hfy_simd_int8_pack_avx2_,
                                                   hfy_simd_int8_tile_avx2_,
                                                   hfy_simd_int8_pass_avx2_};

/* --- AVX-512 with VNNI --- */

HFY_PRIVATE_ HFY_SIMD_VNNI_ __m256i hfy_simd_int8_halve_vnni_(__m512i v)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

HFY_PRIVATE_ HFY_SIMD_VNNI_ __m256d hfy_simd_int8_sums_vnni_(__m512i a, __m512i b, __m512i c, __m512i d)
{
    __m256i v = _mm256_hadd_epi32(_mm256_hadd_epi32(hfy_simd_int8_halve_vnni_(a), hfy_simd_int8_halve_vnni_(b)),
                                  _mm256_hadd_epi32(hfy_simd_int8_halve_vnni_(c), hfy_simd_int8_halve_vnni_(d)));
    return _mm256_cvtepi32_pd(_mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}

HFY_PRIVATE_ HFY_SIMD_VNNI_ void hfy_simd_int8_dot_vnni_(const signed char *rows, size_t stride, const size_t *list,
                                                         size_t count, const hfy_simd_wide_ *q, double *out)
{
    const signed char *row[4];
    double four[4];
    size_t i, n, at;
    for (i = 0; i < count; i += n) {
        __m256d total = _mm256_setzero_pd();
        n = hfy_simd_int8_four_(rows, stride, list, i, count, q->dim, row);
        for (at = 0; at < q->dim;) {
            size_t end = at + hfy_base_min_(q->dim - at, HFY_SIMD_SEGMENT_);
            __m512i a0 = _mm512_setzero_si512(), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
            for (; at < end; at += 64) {
                __m512i high = _mm512_loadu_si512(q->high + at), low = _mm512_loadu_si512(q->low + at), x;
#define HFY_SIMD_STEP_(l)                                                                                              \
    x = _mm512_loadu_si512(row[l] + at);                                                                               \
    a##l = _mm512_dpbusd_epi32(a##l, high, x), b##l = _mm512_dpbusd_epi32(b##l, low, x);
                HFY_SIMD_STEP_(0) HFY_SIMD_STEP_(1) HFY_SIMD_STEP_(2) HFY_SIMD_STEP_(3)
#undef HFY_SIMD_STEP_
            }
            total = _mm256_fmadd_pd(hfy_simd_int8_sums_vnni_(a0, a1, a2, a3), _mm256_set1_pd(256), total);
            total = _mm256_add_pd(hfy_simd_int8_sums_vnni_(b0, b1, b2, b3), total);
        }
        _mm256_storeu_pd(four, total);
        memcpy(out + i, four, n * sizeof *out);
    }
}

HFY_PRIVATE_ HFY_SIMD_VNNI_ void hfy_simd_int8_pack_vnni_(const signed char *rows, size_t stride, size_t count,
                                                          size_t dim, void *tile)
{
    unsigned char *out = (unsigned char *)tile;
    const __m512i sign = _mm512_set1_epi8(-128);
    size_t half, d, l;
    for (half = 0; half < 2; half++) {
        const signed char *row[16];
        for (l = 0; l < 16; l++) row[l] = rows + hfy_base_min_(16 * half + l, count - 1) * stride;
        for (d = 0; d < dim; d += 64) { /* 16 rows x 16 words, transposed */
            unsigned char *to = out + d / 4 * 128 + half * 64;
            __m512i r[16], t[16];
#define HFY_SIMD_ROW_(l) r[l] = _mm512_loadu_si512(row[l] + d);
            HFY_SIMD_ROW_(0) HFY_SIMD_ROW_(1) HFY_SIMD_ROW_(2) HFY_SIMD_ROW_(3)
            HFY_SIMD_ROW_(4) HFY_SIMD_ROW_(5) HFY_SIMD_ROW_(6) HFY_SIMD_ROW_(7)
            HFY_SIMD_ROW_(8) HFY_SIMD_ROW_(9) HFY_SIMD_ROW_(10) HFY_SIMD_ROW_(11)
            HFY_SIMD_ROW_(12) HFY_SIMD_ROW_(13) HFY_SIMD_ROW_(14) HFY_SIMD_ROW_(15)
#undef HFY_SIMD_ROW_
#define HFY_SIMD_TWO_(l)                                                                                               \
    t[l] = _mm512_unpacklo_epi32(r[l], r[l + 1]), t[l + 1] = _mm512_unpackhi_epi32(r[l], r[l + 1]);
            HFY_SIMD_TWO_(0) HFY_SIMD_TWO_(2) HFY_SIMD_TWO_(4) HFY_SIMD_TWO_(6)
            HFY_SIMD_TWO_(8) HFY_SIMD_TWO_(10) HFY_SIMD_TWO_(12) HFY_SIMD_TWO_(14)
#undef HFY_SIMD_TWO_
#define HFY_SIMD_FOUR_(l)                                                                                              \
    r[l] = _mm512_unpacklo_epi64(t[l], t[l + 2]), r[l + 1] = _mm512_unpackhi_epi64(t[l], t[l + 2]);                    \
    r[l + 2] = _mm512_unpacklo_epi64(t[l + 1], t[l + 3]), r[l + 3] = _mm512_unpackhi_epi64(t[l + 1], t[l + 3]);
            HFY_SIMD_FOUR_(0) HFY_SIMD_FOUR_(4) HFY_SIMD_FOUR_(8) HFY_SIMD_FOUR_(12)
#undef HFY_SIMD_FOUR_
#define HFY_SIMD_OUT_(l)                                                                                               \
    t[0] = _mm512_shuffle_i32x4(r[l], r[l + 4], 0x88), t[1] = _mm512_shuffle_i32x4(r[l], r[l + 4], 0xdd);              \
    t[2] = _mm512_shuffle_i32x4(r[l + 8], r[l + 12], 0x88), t[3] = _mm512_shuffle_i32x4(r[l + 8], r[l + 12], 0xdd);    \
    _mm512_storeu_si512(to + (l)*128, _mm512_xor_si512(sign, _mm512_shuffle_i32x4(t[0], t[2], 0x88)));                 \
    _mm512_storeu_si512(to + (l + 4) * 128, _mm512_xor_si512(sign, _mm512_shuffle_i32x4(t[1], t[3], 0x88)));           \
    _mm512_storeu_si512(to + (l + 8) * 128, _mm512_xor_si512(sign, _mm512_shuffle_i32x4(t[0], t[2], 0xdd)));           \
    _mm512_storeu_si512(to + (l + 12) * 128, _mm512_xor_si512(sign, _mm512_shuffle_i32x4(t[1], t[3], 0xdd)));
            HFY_SIMD_OUT_(0) HFY_SIMD_OUT_(1) HFY_SIMD_OUT_(2) HFY_SIMD_OUT_(3)
#undef HFY_SIMD_OUT_
        }
    }
}

HFY_PRIVATE_ HFY_SIMD_VNNI_ void hfy_simd_int8_tile_vnni_(const void *tile, const int32_t *panel, size_t words,
                                                          int32_t *out)
{
    const unsigned char *x = (const unsigned char *)tile;
    __m512i a0 = _mm512_setzero_si512(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
    __m512i b0 = a0, b1 = a0, b2 = a0, b3 = a0, b4 = a0, b5 = a0, b6 = a0, b7 = a0;
    size_t w;
    for (w = 0; w < words; w++, x += 128, panel += HFY_SIMD_GROUP_) {
        __m512i u = _mm512_loadu_si512(x), v = _mm512_loadu_si512(x + 64), q;
#define HFY_SIMD_STEP_(l)                                                                                              \
    q = _mm512_set1_epi32(panel[l]);                                                                                   \
    a##l = _mm512_dpbusd_epi32(a##l, u, q), b##l = _mm512_dpbusd_epi32(b##l, v, q);
        HFY_SIMD_STEP_(0) HFY_SIMD_STEP_(1) HFY_SIMD_STEP_(2) HFY_SIMD_STEP_(3)
        HFY_SIMD_STEP_(4) HFY_SIMD_STEP_(5) HFY_SIMD_STEP_(6) HFY_SIMD_STEP_(7)
#undef HFY_SIMD_STEP_
    }
#define HFY_SIMD_OUT_(l) _mm512_storeu_si512(out + (l)*32, a##l), _mm512_storeu_si512(out + (l)*32 + 16, b##l);
    HFY_SIMD_OUT_(0) HFY_SIMD_OUT_(1) HFY_SIMD_OUT_(2) HFY_SIMD_OUT_(3)
    HFY_SIMD_OUT_(4) HFY_SIMD_OUT_(5) HFY_SIMD_OUT_(6) HFY_SIMD_OUT_(7)
#undef HFY_SIMD_OUT_
}

HFY_PRIVATE_ HFY_SIMD_VNNI_ uint32_t hfy_simd_int8_pass_vnni_(const int32_t *dots, const float *scale,
                                                              const float *error, const float *spread, size_t count,
                                                              const hfy_simd_bound_ *b)
{
    uint32_t mask = 0;
    size_t i;
    for (i = 0; i < count; i += 8) {
        __m256i dot = _mm256_sub_epi32(hfy_simd_int8_load_avx2_(dots + i), _mm256_set1_epi32(b->offset));
        __m512d up = _mm512_mul_pd(_mm512_cvtepi32_pd(dot), _mm512_cvtps_pd(_mm256_loadu_ps(scale + i)));
        __m512d more = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(spread + i)), _mm512_set1_pd(b->rest),
                                       _mm512_set1_pd(b->shift));
        more = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(error + i)), _mm512_set1_pd(b->near), more);
        up = _mm512_fmadd_pd(up, _mm512_set1_pd(b->scale), more);
        mask |= (uint32_t)_mm512_cmp_pd_mask(up, _mm512_set1_pd(b->least), _CMP_NLT_UQ) << i;
    }
    return count < 32 ? mask & (((uint32_t)1 << count) - 1) : mask;
}

static const hfy_simd_int8_ hfy_simd_int8_vnni_ = {"avx512vnni",
                                                   1,
                                                   128,
                                                   4,
                                                   32,
                                                   hfy_simd_int8_dot_vnni_,
                                                   hfy_simd_int8_pack_vnni_,
                                                   hfy_simd_int8_tile_vnni_,
                                                   hfy_simd_int8_pass_vnni_};
#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#undef HFY_SIMD_AVX2_
#undef HFY_SIMD_VNNI_
#undef HFY_SIMD_AHEAD_
#endif

/* The integer kernels that go with an instruction set: the widest of this machine that asks for no more. */
HFY_PRIVATE_ const hfy_simd_int8_ *hfy_simd_int8_of_(hfy_isa isa)
{
#ifdef HFY_SIMD_INT8_X86_
    int any = isa == HFY_ISA_BEST;
    if ((any || isa == HFY_ISA_AVX512) && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return &hfy_simd_int8_vnni_;
    if ((any || isa == HFY_ISA_AVX512 || isa == HFY_ISA_AVX2) && __builtin_cpu_supports("avx2") &&
        __builtin_cpu_supports("fma"))
        return &hfy_simd_int8_avx2_;
#else
    (void)isa;
#endif
    return &hfy_simd_int8_scalar_;
}

/* ------------------------------------------------------------------------------------------------------------------
   >>linalg.impl   dense linear algebra: Cholesky
   Shapes: matrices are row-major and dense, vectors n.   May call: base.
   Numerics: everything in double. A pivot counts as positive only if it is above 16 n eps of its diagonal entry: below
   is rounding (of a singular matrix, nearly always), and the verdict does not depend on how rows are scaled.
   ------------------------------------------------------------------------------------------------------------------ */

/* <x, y> in four sums side by side. */
HFY_PRIVATE_ double hfy_linalg_dot_(const double *x, const double *y, size_t n)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    size_t i;
    for (i = 0; i + 4 <= n; i += 4) {
        s0 += x[i] * y[i];
        s1 += x[i + 1] * y[i + 1];
        s2 += x[i + 2] * y[i + 2];
        s3 += x[i + 3] * y[i + 3];
    }
    for (; i < n; i++) s0 += x[i] * y[i];
    return (s0 + s1) + (s2 + s3);
}

/* A = L L^T in place: L replaces the lower triangle of the n x n matrix a, what is above the diagonal is neither read
   nor changed. HFY_ERR_SINGULAR if A is not positive definite (or holds NaN or infinity); a is half overwritten then.
   Row by row (Cholesky-Banachiewicz), so that every inner product runs along two rows. Cost n^3/3. */
HFY_PRIVATE_ hfy_status hfy_linalg_cholesky_(double *a, size_t n)
{
    const double rounding = 16 * (double)n * DBL_EPSILON;
    size_t i, j;
    for (i = 0; i < n; i++) {
        double *row = a + i * n, diagonal = row[i], pivot;
        for (j = 0; j < i; j++) row[j] = (row[j] - hfy_linalg_dot_(row, a + j * n, j)) / a[j * n + j];
        pivot = diagonal - hfy_linalg_dot_(row, row, i);
        if (!hfy_base_is_finite_(pivot) || !(pivot > rounding * diagonal)) return HFY_ERR_SINGULAR;
        row[i] = sqrt(pivot);
    }
    return HFY_OK;
}

/* x <- L^-1 x with the factor that hfy_linalg_cholesky_ left: |x|^2 is then x.A^-1 x. */
HFY_PRIVATE_ void hfy_linalg_cholesky_forward_(const double *l, size_t n, double *x)
{
    size_t i;
    for (i = 0; i < n; i++) x[i] = (x[i] - hfy_linalg_dot_(l + i * n, x, i)) / l[i * n + i];
}

/* x <- A^-1 x with the factor that hfy_linalg_cholesky_ left. */
HFY_PRIVATE_ void hfy_linalg_cholesky_solve_(const double *l, size_t n, double *x)
{
    size_t i, j;
    hfy_linalg_cholesky_forward_(l, n, x);
    for (i = n; i-- > 0;) { /* back, by columns of L^T = rows of L */
        const double *row = l + i * n;
        double v = x[i] / row[i];
        x[i] = v;
        for (j = 0; j < i; j++) x[j] -= v * row[j];
    }
}

/* ------------------------------------------------------------------------------------------------------------------
   >>linalg.gemm   C = alpha A B + beta C and y = alpha A x + beta y, float and double in every build
   May call: simd.
   Shapes: A m x k, B k x n, C m x n, each element at row*stride + column*stride with any two strides, so a transpose
   is a swap of two arguments. Scratch: hfy_linalg_gemm_scratch_ elements, from the caller's plan.
   How: blocks of k rows of B are packed into panels as wide as a tile of registers, which stay in L2 while panels of
   A pass through L1; a small product reads A and B where they are. One template, compiled for every instruction set.
   Numerics: every element of a matrix is summed along k in ascending order, fused where the machine can, in blocks
   that depend on k alone: so its bits depend neither on m, n and the strides nor on how rows and columns are split
   among threads (a task takes some rows or columns of C as a product of its own, with its own scratch). beta = 0
   overwrites C unread; alpha = 0 leaves A and B unread.
   A BLAS instead: define HFY_CBLAS (includes <cblas.h>; strides that no BLAS takes and sizes beyond int stay here), or
   HFY_SGEMM and/or HFY_DGEMM as a macro or function
       (m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row, c_col)
   of these very meanings: sizes and strides size_t, alpha and beta and arrays float or double. Either is called only
   with m, n, k >= 1 and alpha not 0; n = 1 for a vector.
   ------------------------------------------------------------------------------------------------------------------ */
#ifdef HFY_CBLAS
#include <cblas.h>
#endif

#define HFY_LINALG_DEPTH_ 1536 /* bytes of a panel along k: with a tile's rows in L1 */
#define HFY_LINALG_WIDTH_ 2304 /* bytes of a row of the block of B: the block in L2; a multiple of all tile widths */
#define HFY_LINALG_BAND_ 2048  /* elements of a vector that is packed */

/* Elements of scratch that a product of this shape needs at most, of elements of `size` bytes. */
HFY_PRIVATE_ size_t hfy_linalg_gemm_scratch_(size_t m, size_t n, size_t k, size_t size)
{
    size_t depth = hfy_base_min_(k, HFY_LINALG_DEPTH_ / size), wide = m > n ? m : n;
    size_t width = hfy_base_min_((hfy_base_min_(wide, HFY_LINALG_WIDTH_) + 95) / 96 * 96, HFY_LINALG_WIDTH_ / size);
    size_t panels = depth * (width + 16) + 32;
    size_t band = hfy_base_min_(wide > k ? wide : k, HFY_LINALG_BAND_);
    return panels > band ? panels : band;
}

typedef struct hfy_linalg_f32_ {
    void (*gemm)(size_t m, size_t n, size_t k, float alpha, const float *a, size_t a_row, size_t a_col, const float *b,
                 size_t b_row, size_t b_col, float beta, float *c, size_t c_row, size_t c_col, float *scratch);
    void (*gemv)(size_t m, size_t k, float alpha, const float *a, size_t a_row, size_t a_col, const float *x,
                 size_t x_step, float beta, float *y, size_t y_step, float *scratch);
} hfy_linalg_f32_;

typedef struct hfy_linalg_f64_ {
    void (*gemm)(size_t m, size_t n, size_t k, double alpha, const double *a, size_t a_row, size_t a_col,
                 const double *b, size_t b_row, size_t b_col, double beta, double *c, size_t c_row, size_t c_col,
                 double *scratch);
    void (*gemv)(size_t m, size_t k, double alpha, const double *a, size_t a_row, size_t a_col, const double *x,
                 size_t x_step, double beta, double *y, size_t y_step, double *scratch);
} hfy_linalg_f64_;

#endif /* HFY_BODIES_ rest while the template is defined */

#ifdef HFY_GEMM_PASS_

/* A tile is MR rows (a multiple of 4) by NV vectors. */
#if HFY_SIMD_PASS_ == 4
#define HFY_MR_ 12
#define HFY_NV_ 2
#elif HFY_SIMD_PASS_ == 3
#define HFY_MR_ 4
#define HFY_NV_ 3
#elif HFY_SIMD_PASS_ == 5
#define HFY_MR_ 8
#define HFY_NV_ 3
#elif HFY_SIMD_PASS_ == 2
#define HFY_MR_ 4
#define HFY_NV_ 2
#else /* plain C: a vector of one lane */
#define HFY_MR_ 4
#define HFY_NV_ 4
typedef HFY_S_ HFY_V_(vec);
typedef size_t HFY_V_(tail);
HFY_INLINE_ HFY_V_(vec) HFY_V_(zero)(void) { return 0; }
HFY_INLINE_ HFY_V_(vec) HFY_V_(set)(HFY_S_ a) { return a; }
HFY_INLINE_ HFY_V_(vec) HFY_V_(load)(const HFY_S_ *p) { return *p; }
HFY_INLINE_ void HFY_V_(store)(HFY_S_ *p, HFY_V_(vec) a) { *p = a; }
HFY_INLINE_ HFY_V_(vec) HFY_V_(mul)(HFY_V_(vec) a, HFY_V_(vec) b) { return a * b; }
#if HFY_GEMM_PASS_ == 32 && defined(__FP_FAST_FMAF) /* said aloud, or the compiler fuses some tiles and not others */
HFY_INLINE_ HFY_V_(vec) HFY_V_(fma)(HFY_V_(vec) a, HFY_V_(vec) b, HFY_V_(vec) c) { return fmaf(a, b, c); }
#elif HFY_GEMM_PASS_ == 64 && defined(__FP_FAST_FMA)
HFY_INLINE_ HFY_V_(vec) HFY_V_(fma)(HFY_V_(vec) a, HFY_V_(vec) b, HFY_V_(vec) c) { return fma(a, b, c); }
#else
HFY_INLINE_ HFY_V_(vec) HFY_V_(fma)(HFY_V_(vec) a, HFY_V_(vec) b, HFY_V_(vec) c) { return a * b + c; }
#endif
/* one lane has no tail */
HFY_INLINE_ HFY_V_(tail) HFY_V_(first)(size_t n) { return n; }
HFY_INLINE_ HFY_V_(vec) HFY_V_(load_n)(const HFY_S_ *p, HFY_V_(tail) t) { return t ? *p : 0; }
HFY_INLINE_ void HFY_V_(store_n)(HFY_S_ *p, HFY_V_(vec) a, HFY_V_(tail) t)
{
    if (t) *p = a;
}
HFY_INLINE_ void HFY_V_(fold)(const HFY_V_(vec) *acc, int n, HFY_S_ *sum)
{
    int i;
    for (i = 0; i < n; i++) sum[i] = acc[i];
}
#endif
#define HFY_NR_ (HFY_NV_ * HFY_LANES_)

/* to[p*to_stride + j] = from[j*from_stride + p] for j, p < 4. */
HFY_INLINE_ void HFY_G_(transpose4)(const HFY_S_ *from, size_t from_stride, HFY_S_ *to, size_t to_stride)
{
#if HFY_SIMD_PASS_ >= 2 && HFY_SIMD_PASS_ <= 4 && HFY_GEMM_PASS_ == 32
    __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + from_stride);
    __m128 c = _mm_loadu_ps(from + 2 * from_stride), d = _mm_loadu_ps(from + 3 * from_stride);
    __m128 ab = _mm_unpacklo_ps(a, b), cd = _mm_unpacklo_ps(c, d);
    _mm_storeu_ps(to, _mm_movelh_ps(ab, cd));
    _mm_storeu_ps(to + to_stride, _mm_movehl_ps(cd, ab));
    ab = _mm_unpackhi_ps(a, b), cd = _mm_unpackhi_ps(c, d);
    _mm_storeu_ps(to + 2 * to_stride, _mm_movelh_ps(ab, cd));
    _mm_storeu_ps(to + 3 * to_stride, _mm_movehl_ps(cd, ab));
#elif HFY_SIMD_PASS_ >= 2 && HFY_SIMD_PASS_ <= 4
    size_t j, p;
    for (j = 0; j < 4; j += 2)
        for (p = 0; p < 4; p += 2) {
            __m128d a = _mm_loadu_pd(from + j * from_stride + p), b = _mm_loadu_pd(from + (j + 1) * from_stride + p);
            _mm_storeu_pd(to + p * to_stride + j, _mm_unpacklo_pd(a, b));
            _mm_storeu_pd(to + (p + 1) * to_stride + j, _mm_unpackhi_pd(a, b));
        }
#elif HFY_SIMD_PASS_ == 5 && HFY_GEMM_PASS_ == 32
    float32x4_t a = vld1q_f32(from), b = vld1q_f32(from + from_stride);
    float32x4_t c = vld1q_f32(from + 2 * from_stride), d = vld1q_f32(from + 3 * from_stride);
    float32x4_t ab = vzip1q_f32(a, b), cd = vzip1q_f32(c, d);
    vst1q_f32(to, vcombine_f32(vget_low_f32(ab), vget_low_f32(cd)));
    vst1q_f32(to + to_stride, vcombine_f32(vget_high_f32(ab), vget_high_f32(cd)));
    ab = vzip2q_f32(a, b), cd = vzip2q_f32(c, d);
    vst1q_f32(to + 2 * to_stride, vcombine_f32(vget_low_f32(ab), vget_low_f32(cd)));
    vst1q_f32(to + 3 * to_stride, vcombine_f32(vget_high_f32(ab), vget_high_f32(cd)));
#else
    size_t j, p;
    for (j = 0; j < 4; j++)
        for (p = 0; p < 4; p++) to[p * to_stride + j] = from[j * from_stride + p];
#endif
}

/* to[p*width + j] = from[j*across + p*along], j < have; zeros up to width. */
HFY_INLINE_ void HFY_G_(pack)(HFY_S_ *to, size_t width, const HFY_S_ *from, size_t across, size_t along, size_t have,
                              size_t k)
{
    size_t j = 0, p;
    if (across == 1 && have == width) {
        for (p = 0; p < k; p++, to += width, from += along) {
            for (j = 0; j + 4 <= width; j += 4) memcpy(to + j, from + j, 4 * sizeof *to);
            for (; j < width; j++) to[j] = from[j];
        }
        return;
    }
    if (along == 1)
        for (; j + 4 <= have; j += 4) {
            for (p = 0; p + 4 <= k; p += 4)
                HFY_G_(transpose4)(from + j * across + p, across, to + p * width + j, width);
            for (; p < k; p++) {
                to[p * width + j] = from[j * across + p], to[p * width + j + 1] = from[(j + 1) * across + p];
                to[p * width + j + 2] = from[(j + 2) * across + p], to[p * width + j + 3] = from[(j + 3) * across + p];
            }
        }
    if (j < width)
        for (p = 0; p < k; p++) {
            size_t l = j;
            for (; l < have; l++) to[p * width + l] = from[l * across + p * along];
            for (; l < width; l++) to[p * width + l] = 0;
        }
}

HFY_TARGET_ HFY_SIMD_NOINLINE_ void HFY_G_(pack_a)(HFY_S_ *to, size_t width, const HFY_S_ *from, size_t across,
                                                   size_t along, size_t have, size_t k)
{
    if (width == HFY_MR_)
        HFY_G_(pack)(to, HFY_MR_, from, across, along, have, k);
    else
        HFY_G_(pack)(to, width, from, across, along, have, k);
}

HFY_TARGET_ HFY_SIMD_NOINLINE_ void HFY_G_(pack_b)(HFY_S_ *to, size_t width, const HFY_S_ *from, size_t across,
                                                   size_t along, size_t have, size_t k)
{
    if (width == HFY_NR_)
        HFY_G_(pack)(to, HFY_NR_, from, across, along, have, k);
    else
        HFY_G_(pack)(to, width, from, across, along, have, k);
}

/* Where a tile goes and how. */
typedef struct HFY_G_(target) {
    HFY_S_ *c;
    size_t row, col, rows, columns; /* strides; how much of the tile exists */
    HFY_S_ alpha, beta;
} HFY_G_(target);

/* c = t + beta c for a tile t (vecs*LANES wide) that is cut off or has strided columns. */
HFY_TARGET_ HFY_SIMD_NOINLINE_ void HFY_G_(edge)(const HFY_G_(target) *to, const HFY_S_ *tile, size_t width)
{
    const HFY_V_(vec) beta = HFY_V_(set)(to->beta);
    HFY_S_ lane[HFY_LANES_];
    size_t i, j, l;
    for (i = 0; i < to->rows; i++)
        for (j = 0; j < to->columns; j += HFY_LANES_) {
            HFY_S_ *c = to->c + i * to->row + j * to->col;
            const size_t n = hfy_base_min_(to->columns - j, HFY_LANES_);
            HFY_V_(vec) t = HFY_V_(load)(tile + i * width + j);
            if (to->beta > 0 || to->beta < 0) {
                for (l = 0; l < HFY_LANES_; l++) lane[l] = l < n ? c[l * to->col] : 0;
                t = HFY_V_(fma)(beta, HFY_V_(load)(lane), t);
            }
            HFY_V_(store)(lane, t);
            for (l = 0; l < n; l++) c[l * to->col] = lane[l];
        }
}

/* One tile: rows x vecs accumulators along k. a: packed, rows together (direct 0), or rows a_stride apart, each along
   k. */
HFY_INLINE_ void HFY_G_(tile)(int rows, int vecs, int direct, const HFY_S_ *a, size_t a_stride, const HFY_S_ *b,
                              size_t b_stride, size_t k, const HFY_G_(target) *to)
{
    enum { lanes = HFY_LANES_ };
    const HFY_V_(vec) alpha = HFY_V_(set)(to->alpha), beta = HFY_V_(set)(to->beta);
    HFY_V_(vec) acc[HFY_MR_ * HFY_NV_], v[HFY_NV_];
    const HFY_S_ *pa[HFY_MR_];
    HFY_S_ *c = to->c;
    size_t p;
    int i, j;
    HFY_UNROLL_ for (i = 0; i < rows; i++) {
        if (direct) pa[i] = a + ((size_t)i < to->rows ? (size_t)i : to->rows - 1) * a_stride;
        HFY_UNROLL_ for (j = 0; j < vecs; j++) acc[i * HFY_NV_ + j] = HFY_V_(zero)();
        for (j = 0; j < vecs * HFY_BYTES_; j += 64)
            HFY_PREFETCH_(c + ((size_t)i < to->rows ? (size_t)i : 0) * to->row + j / (int)sizeof *c);
    }
    for (p = 0; p < k; p++, b += b_stride) {
        HFY_UNROLL_ for (j = 0; j < vecs; j++) v[j] = HFY_V_(load)(b + j * lanes);
        HFY_UNROLL_ for (i = 0; i < rows; i++) {
            HFY_V_(vec) w = HFY_V_(set)(direct ? pa[i][p] : a[i]);
            HFY_PIN_(w);
            HFY_UNROLL_ for (j = 0; j < vecs; j++) acc[i * HFY_NV_ + j] = HFY_V_(fma)(w, v[j], acc[i * HFY_NV_ + j]);
        }
        if (!direct) a += rows;
    }
    HFY_UNROLL_ for (i = 0; i < rows * HFY_NV_; i++)
        if (i % HFY_NV_ < vecs) acc[i] = HFY_V_(mul)(alpha, acc[i]);
    if (to->rows < (size_t)rows || to->columns < (size_t)(vecs * lanes) || to->col != 1) {
        HFY_S_ tile[HFY_MR_ * HFY_NR_];
        HFY_UNROLL_ for (i = 0; i < rows; i++)
            HFY_UNROLL_ for (j = 0; j < vecs; j++) HFY_V_(store)(tile + (i * vecs + j) * lanes, acc[i * HFY_NV_ + j]);
        HFY_G_(edge)(to, tile, (size_t)(vecs * lanes));
    } else if (to->beta > 0 || to->beta < 0) {
        HFY_UNROLL_ for (i = 0; i < rows; i++, c += to->row)
            HFY_UNROLL_ for (j = 0; j < vecs; j++)
                HFY_V_(store)(c + j * lanes, HFY_V_(fma)(beta, HFY_V_(load)(c + j * lanes), acc[i * HFY_NV_ + j]));
    } else {
        HFY_UNROLL_ for (i = 0; i < rows; i++, c += to->row)
            HFY_UNROLL_ for (j = 0; j < vecs; j++) HFY_V_(store)(c + j * lanes, acc[i * HFY_NV_ + j]);
    }
}

/* The tile of `rows` (4, 8 or 12, up to MR) and `vecs`. */
#define HFY_TILE_(r, v)                                                                                                \
    if (HFY_MR_ >= (r) && HFY_NV_ >= (v) && rows == (r) && vecs == (v)) {                                              \
        HFY_G_(tile)(HFY_MR_ >= (r) ? (r) : 4, HFY_NV_ >= (v) ? (v) : 1, direct, a, a_stride, b, b_stride, k, to);     \
        return;                                                                                                        \
    }
HFY_TARGET_ HFY_SIMD_NOINLINE_ void HFY_G_(packed)(size_t rows, size_t vecs, const HFY_S_ *a, const HFY_S_ *b,
                                                   size_t b_stride, size_t k, const HFY_G_(target) *to)
{
    enum { direct = 0, a_stride = 0 };
    HFY_TILE_(12, 2) HFY_TILE_(8, 3) HFY_TILE_(8, 2) HFY_TILE_(4, 4) HFY_TILE_(4, 3) HFY_TILE_(4, 2)
    HFY_TILE_(12, 1) HFY_TILE_(8, 1) HFY_TILE_(4, 1)
}

HFY_TARGET_ HFY_SIMD_NOINLINE_ void HFY_G_(direct)(size_t rows, size_t vecs, const HFY_S_ *a, size_t a_stride,
                                                   const HFY_S_ *b, size_t b_stride, size_t k, const HFY_G_(target) *to)
{
    enum { direct = 1 };
    HFY_TILE_(8, 3) HFY_TILE_(8, 2) HFY_TILE_(4, 4) HFY_TILE_(4, 3) HFY_TILE_(4, 2)
    HFY_TILE_(8, 1) HFY_TILE_(4, 1)
}
#undef HFY_TILE_

HFY_TARGET_ void HFY_G_(gemm)(size_t m, size_t n, size_t k, HFY_S_ alpha, const HFY_S_ *a, size_t a_row, size_t a_col,
                              const HFY_S_ *b, size_t b_row, size_t b_col, HFY_S_ beta, HFY_S_ *c, size_t c_row,
                              size_t c_col, HFY_S_ *scratch)
{
    enum { size = (int)sizeof(HFY_S_), most = HFY_LINALG_WIDTH_ / size / HFY_NR_ * HFY_NR_ };
    const size_t blocks = (k + HFY_LINALG_DEPTH_ / size - 1) / (HFY_LINALG_DEPTH_ / size);
    const size_t depth = blocks > 1 ? (k + blocks - 1) / blocks : k; /* blocks of one size */
    size_t width;
    HFY_G_(target) to;
    size_t i, j, j0, p0;
    if (!m || !n) return;
    if (c_col != 1 && c_row == 1) { /* C^T = B^T A^T: columns together */
        const HFY_S_ *swap = a;
        size_t row = a_row, col = a_col, rows = m;
        a = b, a_row = b_col, a_col = b_row;
        b = swap, b_row = col, b_col = row;
        m = n, n = rows;
        c_row = c_col, c_col = 1;
    }
    if (!k || !(alpha > 0 || alpha < 0 || hfy_base_is_nan_((double)alpha))) {
        for (i = 0; i < m; i++)
            for (j = 0; j < n; j++) {
                HFY_S_ *p = c + i * c_row + j * c_col;
                *p = beta > 0 || beta < 0 ? beta * *p : 0;
            }
        return;
    }
    width = n;
    if (n > most) {
        width = (n + most - 1) / most;
        width = ((n + width - 1) / width + HFY_NR_ - 1) / HFY_NR_ * HFY_NR_;
    }
    to.row = c_row, to.col = c_col, to.alpha = alpha;
    for (j0 = 0; j0 < n; j0 += width)
        for (p0 = 0; p0 < k; p0 += depth) {
            const size_t nc = hfy_base_min_(width, n - j0), kc = hfy_base_min_(depth, k - p0);
            /* Small products: packing would cost more than it saves. Not in plain C, where gcc 12 vectorises two
               strided columns by loads that go one row too far: harmless in scratch only. */
            const int b_direct = HFY_SIMD_PASS_ > 1 && b_col == 1 && m <= 128 && kc * nc * size <= 131072;
            const int a_direct = a_col == 1 && nc * size <= 1024 && kc * a_row * size <= 65536;
            const size_t full = nc / HFY_NR_ * HFY_NR_, rest = (nc - full + HFY_LANES_ - 1) / HFY_LANES_ * HFY_LANES_;
            const size_t whole = !b_direct ? 0 : nc % HFY_LANES_ ? full : nc; /* columns of B used where they are */
            const size_t step = a_direct && HFY_MR_ > 8 ? 8 : HFY_MR_;
            HFY_S_ *block = scratch, *panel = scratch + ((full + rest) * kc + 15) / 16 * 16;
            to.beta = p0 ? 1 : beta;
            for (j = whole; j < nc; j += HFY_NR_) {
                size_t have = hfy_base_min_(HFY_NR_, nc - j);
                HFY_G_(pack_b)(block + j * kc, have == HFY_NR_ ? HFY_NR_ : rest, b + (j0 + j) * b_col + p0 * b_row,
                               b_col, b_row, have, kc);
            }
            for (i = 0; i < m; i += step) {
                const size_t rows = hfy_base_min_((m - i + 3) / 4 * 4, step);
                const HFY_S_ *pa = a + i * a_row + p0 * a_col;
                to.rows = hfy_base_min_(rows, m - i);
                if (!a_direct) HFY_G_(pack_a)(panel, rows, pa, a_row, a_col, to.rows, kc);
                for (j = 0; j < nc; j += HFY_NR_) {
                    const size_t wide = j < full ? HFY_NR_ : rest;
                    const HFY_S_ *pb = block + j * kc;
                    size_t b_stride = wide;
                    if (j < whole) pb = b + (j0 + j) + p0 * b_row, b_stride = b_row;
                    to.c = c + i * c_row + (j0 + j) * c_col;
                    to.columns = hfy_base_min_(HFY_NR_, nc - j);
                    if (a_direct)
                        HFY_G_(direct)(rows, wide / HFY_LANES_, pa, a_row, pb, b_stride, kc, &to);
                    else
                        HFY_G_(packed)(rows, wide / HFY_LANES_, panel, pb, b_stride, kc, &to);
                }
            }
        }
}

/* y = alpha A x + beta y, the rows of A along its memory: eight dots at a time. */
HFY_INLINE_ void HFY_G_(gemv_rows)(size_t m, size_t k, HFY_S_ alpha, const HFY_S_ *a, size_t a_row, const HFY_S_ *x,
                                   HFY_S_ beta, HFY_S_ *y, size_t y_step)
{
    enum { lanes = HFY_LANES_ };
    const size_t bytes = 8 * a_row * sizeof *a;
    const size_t ahead = m * k * sizeof *a > 32768 ? bytes * (1 + 16383 / bytes)
                                                   : 0; /* the next rows, 16 KiB on at least */
    size_t i, p;
    int r;
    for (i = 0; i < m; i += 8) {
        const size_t left = hfy_base_min_(8, m - i);
        const HFY_S_ *pa[8];
        HFY_V_(vec) acc[8], v;
        HFY_S_ sum[8];
        HFY_UNROLL_ for (r = 0; r < 8; r++) {
            pa[r] = a + (i + ((size_t)r < left ? (size_t)r : left - 1)) * a_row;
            acc[r] = HFY_V_(zero)();
        }
        for (p = 0; p + lanes <= k; p += lanes) {
            v = HFY_V_(load)(x + p);
            HFY_UNROLL_ for (r = 0; r < 8; r++) acc[r] = HFY_V_(fma)(v, HFY_V_(load)(pa[r] + p), acc[r]);
            if (ahead && (HFY_BYTES_ >= 64 || !(p * sizeof *a & 63)))
                HFY_UNROLL_ for (r = 0; r < 8; r++) HFY_PREFETCH_((uintptr_t)(pa[r] + p) + ahead);
        }
        if (p < k) {
            HFY_V_(tail) t = HFY_V_(first)(k - p);
            v = HFY_V_(load_n)(x + p, t);
            HFY_UNROLL_ for (r = 0; r < 8; r++) acc[r] = HFY_V_(fma)(v, HFY_V_(load_n)(pa[r] + p, t), acc[r]);
        }
        HFY_UNROLL_ for (r = 0; r < 8; r += lanes < 8 ? lanes : 8)
            HFY_V_(fold)(acc + r, lanes < 8 ? lanes : 8, sum + r);
        for (p = 0; p < left; p++) {
            HFY_S_ *to = y + (i + p) * y_step;
            *to = beta > 0 || beta < 0 ? alpha * sum[p] + beta * *to : alpha * sum[p];
        }
    }
}

/* y += alpha A x, the columns of A along its memory: four at a time onto a band of y. */
HFY_INLINE_ void HFY_G_(gemv_columns)(size_t m, size_t k, HFY_S_ alpha, const HFY_S_ *a, size_t a_col, const HFY_S_ *x,
                                      size_t x_step, HFY_S_ *y)
{
    enum { lanes = HFY_LANES_ };
    size_t i, p;
    for (p = 0; p < k; p += 4) {
        const size_t left = k - p;
        const HFY_S_ *a0 = a + p * a_col, *a1 = left > 1 ? a0 + a_col : a0;
        const HFY_S_ *a2 = left > 2 ? a1 + a_col : a0, *a3 = left > 3 ? a2 + a_col : a0;
        const HFY_S_ *next = left > 7 ? a3 + a_col : a0; /* the four to come */
        const size_t ahead = left > 7 ? a_col : 0;
        const HFY_V_(vec) x0 = HFY_V_(set)(alpha * x[p * x_step]);
        const HFY_V_(vec) x1 = HFY_V_(set)(left > 1 ? alpha * x[(p + 1) * x_step] : 0);
        const HFY_V_(vec) x2 = HFY_V_(set)(left > 2 ? alpha * x[(p + 2) * x_step] : 0);
        const HFY_V_(vec) x3 = HFY_V_(set)(left > 3 ? alpha * x[(p + 3) * x_step] : 0);
        HFY_V_(vec) v;
        for (i = 0; i + lanes <= m; i += lanes) {
            v = HFY_V_(fma)(x0, HFY_V_(load)(a0 + i), HFY_V_(load)(y + i));
            if (left > 1) v = HFY_V_(fma)(x1, HFY_V_(load)(a1 + i), v);
            if (left > 2) v = HFY_V_(fma)(x2, HFY_V_(load)(a2 + i), v);
            if (left > 3) v = HFY_V_(fma)(x3, HFY_V_(load)(a3 + i), v);
            HFY_V_(store)(y + i, v);
            if (HFY_BYTES_ >= 64 || !(i * sizeof *a & 63)) {
                HFY_PREFETCH_(next + i), HFY_PREFETCH_(next + ahead + i);
                HFY_PREFETCH_(next + 2 * ahead + i), HFY_PREFETCH_(next + 3 * ahead + i);
            }
        }
        if (i < m) {
            HFY_V_(tail) t = HFY_V_(first)(m - i);
            v = HFY_V_(fma)(x0, HFY_V_(load_n)(a0 + i, t), HFY_V_(load_n)(y + i, t));
            if (left > 1) v = HFY_V_(fma)(x1, HFY_V_(load_n)(a1 + i, t), v);
            if (left > 2) v = HFY_V_(fma)(x2, HFY_V_(load_n)(a2 + i, t), v);
            if (left > 3) v = HFY_V_(fma)(x3, HFY_V_(load_n)(a3 + i, t), v);
            HFY_V_(store_n)(y + i, v, t);
        }
    }
}

HFY_TARGET_ void HFY_G_(gemv)(size_t m, size_t k, HFY_S_ alpha, const HFY_S_ *a, size_t a_row, size_t a_col,
                              const HFY_S_ *x, size_t x_step, HFY_S_ beta, HFY_S_ *y, size_t y_step, HFY_S_ *scratch)
{
    size_t i, i0, p, p0;
    if (!k || !(alpha > 0 || alpha < 0 || hfy_base_is_nan_((double)alpha))) {
        for (i = 0; i < m; i++) y[i * y_step] = beta > 0 || beta < 0 ? beta * y[i * y_step] : 0;
    } else if (a_col == 1 && x_step == 1) {
        HFY_G_(gemv_rows)(m, k, alpha, a, a_row, x, beta, y, y_step);
    } else if (a_col == 1) {
        for (p0 = 0; p0 < k; p0 += HFY_LINALG_BAND_) {
            size_t n = hfy_base_min_(HFY_LINALG_BAND_, k - p0);
            for (p = 0; p < n; p++) scratch[p] = x[(p0 + p) * x_step];
            HFY_G_(gemv_rows)(m, n, alpha, a + p0, a_row, scratch, p0 ? 1 : beta, y, y_step);
        }
    } else if (a_row == 1) {
        for (i0 = 0; i0 < m; i0 += HFY_LINALG_BAND_) {
            size_t n = hfy_base_min_(HFY_LINALG_BAND_, m - i0);
            HFY_S_ *band = y_step == 1 ? y + i0 : scratch, *to = y + i0 * y_step;
            for (i = 0; i < n; i++) band[i] = beta > 0 || beta < 0 ? beta * to[i * y_step] : 0;
            HFY_G_(gemv_columns)(n, k, alpha, a + i0, a_col, x, x_step, band);
            if (y_step != 1)
                for (i = 0; i < n; i++) to[i * y_step] = band[i];
        }
    } else {
        for (i = 0; i < m; i++) {
            HFY_S_ sum = 0, *to = y + i * y_step;
            for (p = 0; p < k; p++) sum += a[i * a_row + p * a_col] * x[p * x_step];
            *to = beta > 0 || beta < 0 ? alpha * sum + beta * *to : alpha * sum;
        }
    }
}

#if HFY_GEMM_PASS_ == 64
static const hfy_linalg_f64_ HFY_G_(products) = {HFY_G_(gemm), HFY_G_(gemv)};
#else
static const hfy_linalg_f32_ HFY_G_(products) = {HFY_G_(gemm), HFY_G_(gemv)};
#endif
#undef HFY_MR_
#undef HFY_NV_
#undef HFY_NR_
#endif /* HFY_GEMM_PASS_ */

#if defined(HFY_BODIES_) && !defined(HFY_SIMD_PASS_)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push /* g++ warns of its own AVX-512 header */
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#define HFY_SIMD_PASS_ 1 /* HFY_ISA_SCALAR */
#define HFY_GEMM_PASS_ 32
#include HFY_FILE
#define HFY_SIMD_PASS_ 1
#define HFY_GEMM_PASS_ 64
#include HFY_FILE
#if defined(HFY_SIMD_X86_)
#define HFY_SIMD_PASS_ 2 /* HFY_ISA_SSE2 */
#define HFY_GEMM_PASS_ 32
#include HFY_FILE
#define HFY_SIMD_PASS_ 2
#define HFY_GEMM_PASS_ 64
#include HFY_FILE
#define HFY_SIMD_PASS_ 3 /* HFY_ISA_AVX2 */
#define HFY_GEMM_PASS_ 32
#include HFY_FILE
#define HFY_SIMD_PASS_ 3
#define HFY_GEMM_PASS_ 64
#include HFY_FILE
#define HFY_SIMD_PASS_ 4 /* HFY_ISA_AVX512 */
#define HFY_GEMM_PASS_ 32
#include HFY_FILE
#define HFY_SIMD_PASS_ 4
#define HFY_GEMM_PASS_ 64
#include HFY_FILE
#elif defined(HFY_SIMD_NEON_)
#define HFY_SIMD_PASS_ 5 /* HFY_ISA_NEON */
#define HFY_GEMM_PASS_ 32
#include HFY_FILE
#define HFY_SIMD_PASS_ 5
#define HFY_GEMM_PASS_ 64
#include HFY_FILE
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* by hfy_isa */
static const hfy_linalg_f32_ *const hfy_linalg_of_f32_[] = {
    &hfy_linalg_products_f32_scalar_, &hfy_linalg_products_f32_scalar_,
#if defined(HFY_SIMD_X86_)
    &hfy_linalg_products_f32_sse2_,   &hfy_linalg_products_f32_avx2_,   &hfy_linalg_products_f32_avx512_
#elif defined(HFY_SIMD_NEON_)
    &hfy_linalg_products_f32_scalar_, &hfy_linalg_products_f32_scalar_, &hfy_linalg_products_f32_scalar_,
    &hfy_linalg_products_f32_neon_
#endif
};

static const hfy_linalg_f64_ *const hfy_linalg_of_f64_[] = {
    &hfy_linalg_products_f64_scalar_, &hfy_linalg_products_f64_scalar_,
#if defined(HFY_SIMD_X86_)
    &hfy_linalg_products_f64_sse2_,   &hfy_linalg_products_f64_avx2_,   &hfy_linalg_products_f64_avx512_
#elif defined(HFY_SIMD_NEON_)
    &hfy_linalg_products_f64_scalar_, &hfy_linalg_products_f64_scalar_, &hfy_linalg_products_f64_scalar_,
    &hfy_linalg_products_f64_neon_
#endif
};

#ifdef HFY_CBLAS
/* Can a BLAS take rows x columns with these strides? *lead: its leading dimension, *across: columns are together. */
HFY_PRIVATE_ int hfy_linalg_blas_takes_(size_t rows, size_t columns, size_t row, size_t col, int *lead, int *across)
{
    size_t stride, least;
    *across = col != 1 && row == 1;
    stride = *across ? col : row, least = *across ? rows : columns;
    if ((*across ? columns : rows) <= 1) stride = least; /* one line: its stride means nothing */
    if ((*across ? row : col) != 1 || stride < least || rows > INT_MAX || columns > INT_MAX || stride > INT_MAX)
        return 0;
    *lead = (int)(stride ? stride : 1);
    return 1;
}
#endif

/* C = alpha A B + beta C for float; scratch: hfy_linalg_gemm_scratch_(m, n, k, sizeof(float)) elements. No overlaps. */
HFY_PRIVATE_ void hfy_linalg_sgemm_(const hfy_simd_ *simd, size_t m, size_t n, size_t k, float alpha, const float *a,
                                    size_t a_row, size_t a_col, const float *b, size_t b_row, size_t b_col, float beta,
                                    float *c, size_t c_row, size_t c_col, float *scratch)
{
    const int something = m && n && k && (alpha > 0 || alpha < 0);
#if defined(HFY_SGEMM)
    if (something) {
        HFY_SGEMM(m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row, c_col);
        return;
    }
#elif defined(HFY_CBLAS)
    int la, lb, lc, ta, tb, tc;
    if (something && hfy_linalg_blas_takes_(m, k, a_row, a_col, &la, &ta) &&
        hfy_linalg_blas_takes_(k, n, b_row, b_col, &lb, &tb) && hfy_linalg_blas_takes_(m, n, c_row, c_col, &lc, &tc)) {
        cblas_sgemm(tc ? CblasColMajor : CblasRowMajor, ta == tc ? CblasNoTrans : CblasTrans,
                    tb == tc ? CblasNoTrans : CblasTrans, (int)m, (int)n, (int)k, alpha, a, la, b, lb, beta, c, lc);
        return;
    }
#endif
    (void)something;
    hfy_linalg_of_f32_[simd->isa]->gemm(m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row, c_col,
                                        scratch);
}

/* The same for double. */
HFY_PRIVATE_ void hfy_linalg_dgemm_(const hfy_simd_ *simd, size_t m, size_t n, size_t k, double alpha, const double *a,
                                    size_t a_row, size_t a_col, const double *b, size_t b_row, size_t b_col,
                                    double beta, double *c, size_t c_row, size_t c_col, double *scratch)
{
    const int something = m && n && k && (alpha > 0 || alpha < 0);
#if defined(HFY_DGEMM)
    if (something) {
        HFY_DGEMM(m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row, c_col);
        return;
    }
#elif defined(HFY_CBLAS)
    int la, lb, lc, ta, tb, tc;
    if (something && hfy_linalg_blas_takes_(m, k, a_row, a_col, &la, &ta) &&
        hfy_linalg_blas_takes_(k, n, b_row, b_col, &lb, &tb) && hfy_linalg_blas_takes_(m, n, c_row, c_col, &lc, &tc)) {
        cblas_dgemm(tc ? CblasColMajor : CblasRowMajor, ta == tc ? CblasNoTrans : CblasTrans,
                    tb == tc ? CblasNoTrans : CblasTrans, (int)m, (int)n, (int)k, alpha, a, la, b, lb, beta, c, lc);
        return;
    }
#endif
    (void)something;
    hfy_linalg_of_f64_[simd->isa]->gemm(m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row, c_col,
                                        scratch);
}

/* y = alpha A x + beta y, A m x k; scratch: hfy_linalg_gemm_scratch_(m, 1, k, size) elements. */
HFY_PRIVATE_ void hfy_linalg_sgemv_(const hfy_simd_ *simd, size_t m, size_t k, float alpha, const float *a,
                                    size_t a_row, size_t a_col, const float *x, size_t x_step, float beta, float *y,
                                    size_t y_step, float *scratch)
{
    const int something = m && k && (alpha > 0 || alpha < 0);
#if defined(HFY_SGEMM)
    if (something) {
        HFY_SGEMM(m, (size_t)1, k, alpha, a, a_row, a_col, x, x_step, (size_t)1, beta, y, y_step, (size_t)1);
        return;
    }
#elif defined(HFY_CBLAS)
    int la, ta;
    if (something && x_step <= INT_MAX && y_step <= INT_MAX && hfy_linalg_blas_takes_(m, k, a_row, a_col, &la, &ta)) {
        cblas_sgemv(ta ? CblasColMajor : CblasRowMajor, CblasNoTrans, (int)m, (int)k, alpha, a, la, x, (int)x_step,
                    beta, y, (int)y_step);
        return;
    }
#endif
    (void)something;
    hfy_linalg_of_f32_[simd->isa]->gemv(m, k, alpha, a, a_row, a_col, x, x_step, beta, y, y_step, scratch);
}

HFY_PRIVATE_ void hfy_linalg_dgemv_(const hfy_simd_ *simd, size_t m, size_t k, double alpha, const double *a,
                                    size_t a_row, size_t a_col, const double *x, size_t x_step, double beta, double *y,
                                    size_t y_step, double *scratch)
{
    const int something = m && k && (alpha > 0 || alpha < 0);
#if defined(HFY_DGEMM)
    if (something) {
        HFY_DGEMM(m, (size_t)1, k, alpha, a, a_row, a_col, x, x_step, (size_t)1, beta, y, y_step, (size_t)1);
        return;
    }
#elif defined(HFY_CBLAS)
    int la, ta;
    if (something && x_step <= INT_MAX && y_step <= INT_MAX && hfy_linalg_blas_takes_(m, k, a_row, a_col, &la, &ta)) {
        cblas_dgemv(ta ? CblasColMajor : CblasRowMajor, CblasNoTrans, (int)m, (int)k, alpha, a, la, x, (int)x_step,
                    beta, y, (int)y_step);
        return;
    }
#endif
    (void)something;
    hfy_linalg_of_f64_[simd->isa]->gemv(m, k, alpha, a, a_row, a_col, x, x_step, beta, y, y_step, scratch);
}

/* ------------------------------------------------------------------------------------------------------------------
   >>linalg.spectra.impl   symmetric eigenvalues, singular values, pseudo-inverse, Cholesky in blocks
   May call: base, simd, linalg.gemm.
   How: Householder reflections make a symmetric matrix tridiagonal, in panels, so that one product with the matrix a
   column is all that reads it and all else is a matrix product; implicit QL with Wilkinson's shift; its rotations are
   collected and applied to strips of columns that stay in cache; the reflections are undone in blocks.
   Numerics: everything in double; a matrix is first scaled by a power of two to a largest entry in [1/2, 1), so no
   square overflows and a floor of 1e-40 under the off-diagonal is far below rounding.
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_LINALG_PANEL_ 32  /* columns of a panel of reflections */
#define HFY_LINALG_STRIP_ 16  /* columns that rotations are applied to at a time */
#define HFY_LINALG_BLOCK_ 96  /* rows of a block of a Cholesky factor */
#define HFY_LINALG_SWEEPS_ 60 /* most QL steps for one eigenvalue, most sweeps of Jacobi rotations */

typedef struct hfy_linalg_rotation_ {
    double c, s;
    size_t row;
} hfy_linalg_rotation_;

typedef struct hfy_linalg_eigen_ {
    const hfy_simd_ *simd;
    size_t n, room, count;        /* rotations: room for, collected so far */
    double *reflectors;           /* n x n: row j the reflection of column j; without vectors one panel of them */
    double *tau, *diagonal, *off; /* n each */
    double *w;                    /* panel x n */
    double *small;                /* 4 panels' worth of inner products */
    double *block, *turned;       /* panel x panel, n x panel: undoing the reflections */
    double *gemm;
    double *vectors;
    hfy_linalg_rotation_ *rotations;
} hfy_linalg_eigen_;

HFY_PRIVATE_ void hfy_linalg_eigen_plan_(hfy_base_arena_ *arena, size_t n, int vectors, hfy_linalg_eigen_ *s)
{
    size_t panel = HFY_LINALG_PANEL_;
    s->n = n;
    s->room = vectors ? hfy_base_plus_(hfy_base_times_(n, 8), 64) : 0;
    s->count = 0;
    s->reflectors = (double *)hfy_base_take_(arena, hfy_base_times_(vectors ? n : panel, n), sizeof(double));
    s->tau = (double *)hfy_base_take_(arena, n, sizeof(double));
    s->diagonal = (double *)hfy_base_take_(arena, n, sizeof(double));
    s->off = (double *)hfy_base_take_(arena, n, sizeof(double));
    s->w = (double *)hfy_base_take_(arena, hfy_base_times_(panel, n), sizeof(double));
    s->small = (double *)hfy_base_take_(arena, 4 * panel, sizeof(double));
    s->block = (double *)hfy_base_take_(arena, vectors ? panel * panel : 0, sizeof(double));
    s->turned = (double *)hfy_base_take_(arena, vectors ? hfy_base_times_(2 * panel, n) : 0, sizeof(double));
    s->gemm = (double *)hfy_base_take_(arena, hfy_linalg_gemm_scratch_(n, n, n, sizeof(double)), sizeof(double));
    s->rotations = (hfy_linalg_rotation_ *)hfy_base_take_(arena, s->room, sizeof(hfy_linalg_rotation_));
}

/* The largest |x|; NaN or infinity if there is one. */
HFY_PRIVATE_ double hfy_linalg_largest_(const double *x, size_t n)
{
    double most = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        double v = fabs(x[i]);
        if (!hfy_base_is_finite_(v)) return v;
        if (v > most) most = v;
    }
    return most;
}

/* A power of two that brings a finite positive x into [1/2, 1). */
HFY_PRIVATE_ double hfy_linalg_scale_(double x)
{
    int exponent;
    if (!(x > 0)) return 1;
    (void)frexp(x, &exponent);
    return ldexp(1.0, exponent < -1000 ? 1000 : exponent > 1000 ? -1000 : -exponent);
}

/* Reflections I - tau v v^T, v[j+1] = 1, that make the symmetric a (n x n, both triangles, overwritten) tridiagonal. */
HFY_PRIVATE_ void hfy_linalg_tridiagonal_(hfy_linalg_eigen_ *s, double *a)
{
    size_t n = s->n, k0, j, i, r;
    int keep = s->room > 0;
    for (k0 = 0; k0 < n; k0 += HFY_LINALG_PANEL_) {
        size_t width = hfy_base_min_(HFY_LINALG_PANEL_, n - k0), k1 = k0 + width;
        double *v = keep ? s->reflectors + k0 * n : s->reflectors, *w = s->w;
        for (j = k0; j < k1; j++) {
            size_t done = j - k0, m = n - j - 1;
            double *x = v + done * n, *y = w + done * n, head, norm, dot;
            for (r = 0; r < j; r++) x[r] = 0;
            for (r = j; r < n; r++) x[r] = a[j * n + r];
            for (i = 0; i < done; i++) {
                double vj = v[i * n + j], wj = w[i * n + j];
                for (r = j; r < n; r++) x[r] -= v[i * n + r] * wj + w[i * n + r] * vj;
            }
            s->diagonal[j] = x[j];
            x[j] = 0;
            if (j + 1 < n) s->off[j] = x[j + 1];
            s->tau[j] = 0;
            for (r = 0; r < n; r++) y[r] = 0;
            if (m < 2) {
                for (r = j + 1; r < n; r++) x[r] = 0;
                continue;
            }
            head = x[j + 1];
            norm = sqrt(hfy_linalg_dot_(x + j + 1, x + j + 1, m));
            if (!(norm > 0) || !(norm > fabs(head))) { /* nothing to reflect */
                for (r = j + 1; r < n; r++) x[r] = 0;
                continue;
            }
            if (head > 0) norm = -norm;
            s->off[j] = norm;
            s->tau[j] = (norm - head) / norm;
            for (r = j + 2; r < n; r++) x[r] /= head - norm;
            x[j + 1] = 1;
            hfy_linalg_dgemv_(s->simd, m, m, 1, a + (j + 1) * n + j + 1, n, 1, x + j + 1, 1, 0, y + j + 1, 1, s->gemm);
            for (i = 0; i < done; i++) {
                s->small[i] = hfy_linalg_dot_(w + i * n + j + 1, x + j + 1, m);
                s->small[HFY_LINALG_PANEL_ + i] = hfy_linalg_dot_(v + i * n + j + 1, x + j + 1, m);
            }
            for (i = 0; i < done; i++)
                for (r = j + 1; r < n; r++)
                    y[r] -= v[i * n + r] * s->small[i] + w[i * n + r] * s->small[HFY_LINALG_PANEL_ + i];
            for (r = j + 1; r < n; r++) y[r] *= s->tau[j];
            dot = 0.5 * s->tau[j] * hfy_linalg_dot_(x + j + 1, y + j + 1, m);
            for (r = j + 1; r < n; r++) y[r] -= dot * x[r];
        }
        if (k1 < n) { /* what is left: A <- A - V W^T - W V^T */
            size_t m = n - k1;
            double *rest = a + k1 * n + k1;
            hfy_linalg_dgemm_(s->simd, m, m, width, -1, v + k1, 1, n, w + k1, n, 1, 1, rest, n, 1, s->gemm);
            hfy_linalg_dgemm_(s->simd, m, m, width, -1, w + k1, 1, n, v + k1, n, 1, 1, rest, n, 1, s->gemm);
        }
    }
}

/* The collected rotations on one strip of columns of the vectors (which are rows). */
HFY_PRIVATE_ void hfy_linalg_rotate_strip_(void *context, size_t strip)
{
    const hfy_linalg_eigen_ *s = (const hfy_linalg_eigen_ *)context;
    size_t n = s->n, first = strip * HFY_LINALG_STRIP_, i, l;
    double *z = s->vectors + first;
    if (n - first >= HFY_LINALG_STRIP_) {
        for (i = 0; i < s->count; i++) {
            double c = s->rotations[i].c, t = s->rotations[i].s;
            double *x = z + s->rotations[i].row * n, *y = x + n;
            for (l = 0; l < HFY_LINALG_STRIP_; l++) {
                double f = y[l], g = x[l];
                y[l] = t * g + c * f;
                x[l] = c * g - t * f;
            }
        }
        return;
    }
    for (i = 0; i < s->count; i++) {
        double c = s->rotations[i].c, t = s->rotations[i].s;
        double *x = z + s->rotations[i].row * n, *y = x + n;
        for (l = 0; l < n - first; l++) {
            double f = y[l], g = x[l];
            y[l] = t * g + c * f;
            x[l] = c * g - t * f;
        }
    }
}

HFY_PRIVATE_ void hfy_linalg_rotate_(hfy_linalg_eigen_ *s)
{
    if (s->count && s->vectors)
        hfy_base_parallel_((s->n + HFY_LINALG_STRIP_ - 1) / HFY_LINALG_STRIP_, hfy_linalg_rotate_strip_, s);
    s->count = 0;
}

/* Eigenvalues of the tridiagonal matrix in s->diagonal and s->off, in place and in no order; s->vectors, if not NULL,
   gets its rotations. */
HFY_PRIVATE_ hfy_status hfy_linalg_ql_(hfy_linalg_eigen_ *s)
{
    double *d = s->diagonal, *e = s->off;
    size_t n = s->n, l, m, i;
    double norm = 0;
    if (n) e[n - 1] = 0;
    for (i = 0; i < n; i++) norm = fabs(d[i]) + fabs(e[i]) > norm ? fabs(d[i]) + fabs(e[i]) : norm;
    for (l = 0; l < n; l++) {
        int steps = 0;
        for (;;) {
            double g, r, sine = 1, cosine = 1, p = 0;
            for (m = l; m + 1 < n; m++)
                if (fabs(e[m]) <= DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1])) + 1e-40 ||
                    (steps > 4 && fabs(e[m]) <= DBL_EPSILON * norm)) /* rounding of larger entries keeps it alive */
                    break;
            if (m == l) break;
            if (steps++ == HFY_LINALG_SWEEPS_) return HFY_ERR_CONVERGENCE;
            if (s->vectors && s->room - s->count < m - l) hfy_linalg_rotate_(s);
            g = (d[l + 1] - d[l]) / (2 * e[l]);
            r = sqrt(g * g + 1);
            g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r));
            for (i = m; i-- > l;) {
                double f = sine * e[i], b = cosine * e[i];
                r = sqrt(f * f + g * g);
                e[i + 1] = r;
                if (!(r > 0)) { /* splits here */
                    d[i + 1] -= p;
                    e[m] = 0;
                    break;
                }
                sine = f / r;
                cosine = g / r;
                g = d[i + 1] - p;
                r = (d[i] - g) * sine + 2 * cosine * b;
                p = sine * r;
                d[i + 1] = g + p;
                g = cosine * r - b;
                if (s->vectors) {
                    hfy_linalg_rotation_ *turn = s->rotations + s->count++;
                    turn->c = cosine, turn->s = sine, turn->row = i;
                }
                if (i == l) {
                    d[l] -= p;
                    e[l] = g;
                    e[m] = 0;
                }
            }
        }
    }
    hfy_linalg_rotate_(s);
    return HFY_OK;
}

/* vectors <- vectors Q^T: the reflections, a panel at a time from the last: I - V^T T V with T upper triangular. */
HFY_PRIVATE_ void hfy_linalg_reflect_(hfy_linalg_eigen_ *s, double *vectors)
{
    size_t n = s->n, panels = (n + HFY_LINALG_PANEL_ - 1) / HFY_LINALG_PANEL_, which, i, j, l;
    double *t = s->block;
    for (which = panels; which-- > 0;) {
        size_t k0 = which * HFY_LINALG_PANEL_, width = hfy_base_min_(HFY_LINALG_PANEL_, n - k0);
        const double *v = s->reflectors + k0 * n;
        for (j = 0; j < width; j++) {
            double tau = s->tau[k0 + j];
            for (i = 0; i < width; i++) t[i * width + j] = 0;
            for (i = 0; i < j; i++) s->small[i] = hfy_linalg_dot_(v + i * n + k0, v + j * n + k0, n - k0);
            for (i = 0; i < j; i++) {
                double sum = 0;
                for (l = i; l < j; l++) sum += t[i * width + l] * s->small[l];
                t[i * width + j] = -tau * sum;
            }
            t[j * width + j] = tau;
        }
        /* each vector z <- (I - V^T T V) z: with vectors as rows, Z <- Z - ((Z V^T) T^T) V */
        hfy_linalg_dgemm_(s->simd, n, width, n - k0, 1, vectors + k0, n, 1, v + k0, 1, n, 0, s->turned, width, 1,
                          s->gemm);
        hfy_linalg_dgemm_(s->simd, n, width, width, 1, s->turned, width, 1, t, 1, width, 0, s->turned + n * width,
                          width, 1, s->gemm);
        hfy_linalg_dgemm_(s->simd, n, n - k0, width, -1, s->turned + n * width, width, 1, v + k0, n, 1, 1, vectors + k0,
                          n, 1, s->gemm);
    }
}

/* Eigenvalues and vectors of the symmetric a: finite, both triangles, overwritten. Largest first. */
HFY_PRIVATE_ hfy_status hfy_linalg_eigen_run_(hfy_linalg_eigen_ *s, double *a, double *values, double *vectors)
{
    size_t n = s->n, i, j, best;
    double scale = hfy_linalg_scale_(hfy_linalg_largest_(a, n * n));
    hfy_status status;
    for (i = 0; i < n * n; i++) a[i] *= scale;
    hfy_linalg_tridiagonal_(s, a);
    s->vectors = vectors;
    for (i = 0; vectors && i < n * n; i++) vectors[i] = 0;
    for (i = 0; vectors && i < n; i++) vectors[i * n + i] = 1;
    status = hfy_linalg_ql_(s);
    if (status) return status;
    if (vectors) hfy_linalg_reflect_(s, vectors);
    for (i = 0; i < n; i++) { /* few swaps: the order is nearly found */
        for (best = i, j = i + 1; j < n; j++)
            if (s->diagonal[j] > s->diagonal[best]) best = j;
        if (best != i) {
            double v = s->diagonal[i];
            s->diagonal[i] = s->diagonal[best], s->diagonal[best] = v;
            for (j = 0; vectors && j < n; j++)
                v = vectors[i * n + j], vectors[i * n + j] = vectors[best * n + j], vectors[best * n + j] = v;
        }
    }
    for (i = 0; i < n; i++) values[i] = s->diagonal[i] / scale;
    return HFY_OK;
}

HFY_API hfy_status hfy_linalg_eigen(const double *a, size_t n, double *values, double *vectors, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_linalg_eigen_ s;
    hfy_status status = HFY_OK;
    double *copy = NULL, *found = NULL, *turned = NULL;
    size_t i, j;
    int pass;
    memset(&s, 0, sizeof s);
    s.simd = hfy_simd_choose_(w);
    if (!s.simd)
        status = HFY_ERR_UNSUPPORTED;
    else if (!a || !values)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !a ? "a" : "values");
    else if (!n || !hfy_base_fits_(n, hfy_base_times_(n, 2), sizeof(double)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "n is %z; it should be at least 1, and n x n doubles should exist", n);
    for (i = 0; !status && i < n; i++)
        if (!hfy_base_is_finite_(hfy_linalg_largest_(a + i * n, i + 1)))
            status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "a holds NaN or infinity in row %z", i);
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        copy = (double *)hfy_base_take_(&arena, n * n, sizeof(double));
        found = (double *)hfy_base_take_(&arena, n, sizeof(double));
        turned = (double *)hfy_base_take_(&arena, vectors ? n * n : 0, sizeof(double));
        hfy_linalg_eigen_plan_(&arena, n, vectors != NULL, &s);
    }
    if (!status) {
        for (i = 0; i < n; i++)
            for (j = 0; j <= i; j++) copy[i * n + j] = copy[j * n + i] = a[i * n + j];
        status = hfy_linalg_eigen_run_(&s, copy, found, turned);
        if (status) status = hfy_base_fail_(w, status, "QL did not converge on a matrix of %z rows", n);
    }
    if (!status) {
        memcpy(values, found, n * sizeof(double));
        if (vectors) memcpy(vectors, turned, n * n * sizeof(double));
    }
    return hfy_base_close_(w, &local, status);
}

/* --- singular values --- */

typedef struct hfy_linalg_svd_ {
    hfy_linalg_eigen_ eigen;
    size_t tall, wide; /* the larger and the smaller side */
    double *matrix;    /* wide x tall: the columns of A V as rows */
    double *scaled;    /* a copy of A, scaled */
    double *gram, *v;  /* wide x wide */
    double *square;    /* wide: |column|^2 */
} hfy_linalg_svd_;

HFY_PRIVATE_ void hfy_linalg_svd_plan_(hfy_base_arena_ *arena, size_t rows, size_t columns, hfy_linalg_svd_ *s)
{
    s->tall = rows > columns ? rows : columns;
    s->wide = rows > columns ? columns : rows;
    s->matrix = (double *)hfy_base_take_(arena, hfy_base_times_(rows, columns), sizeof(double));
    s->scaled = (double *)hfy_base_take_(arena, hfy_base_times_(rows, columns), sizeof(double));
    s->gram = (double *)hfy_base_take_(arena, hfy_base_times_(s->wide, s->wide), sizeof(double));
    s->v = (double *)hfy_base_take_(arena, hfy_base_times_(s->wide, s->wide), sizeof(double));
    s->square = (double *)hfy_base_take_(arena, s->wide, sizeof(double));
    hfy_linalg_eigen_plan_(arena, s->wide, 1, &s->eigen);
    /* the eigenproblem's scratch for products serves those with A as well */
    s->eigen.gemm = (double *)hfy_base_take_(arena, hfy_linalg_gemm_scratch_(s->tall, s->tall, s->tall, sizeof(double)),
                                             sizeof(double));
}

/* x <- c x - s y, y <- s x + c y. */
HFY_PRIVATE_ void hfy_linalg_turn_(double *x, double *y, size_t n, double c, double s)
{
    size_t i;
    for (i = 0; i < n; i++) {
        double a = x[i], b = y[i];
        x[i] = c * a - s * b;
        y[i] = s * a + c * b;
    }
}

/* a: finite. values: wide; the rows of s->matrix become the vectors of the longer side times the values (unit vectors
   if `unit`), those of s->v the vectors of the shorter side, all in descending order. */
HFY_PRIVATE_ hfy_status hfy_linalg_svd_run_(hfy_linalg_svd_ *s, const double *a, size_t rows, size_t columns,
                                            double *values, int unit)
{
    const hfy_simd_ *simd = s->eigen.simd;
    const size_t tall = s->tall, wide = s->wide, across = rows >= columns ? columns : 1,
                 along = rows >= columns ? 1 : columns; /* element (i, j) of the tall matrix: i across + j along */
    double scale = hfy_linalg_scale_(hfy_linalg_largest_(a, rows * columns)), *b = s->matrix, tiny;
    const double enough = 8 * DBL_EPSILON * sqrt((double)tall); /* what rounding leaves of a dot of unit vectors */
    size_t i, j, r, sweep, turns = 1;
    hfy_status status;
    for (i = 0; i < rows * columns; i++) s->scaled[i] = a[i] * scale;
    a = s->scaled;
    hfy_linalg_dgemm_(simd, wide, wide, tall, 1, a, along, across, a, across, along, 0, s->gram, wide, 1,
                      s->eigen.gemm);
    status = hfy_linalg_eigen_run_(&s->eigen, s->gram, s->square, s->v);
    if (status) return status;
    /* b_i = A v_i */
    hfy_linalg_dgemm_(simd, wide, tall, wide, 1, s->v, wide, 1, a, along, across, 0, b, tall, 1, s->eigen.gemm);
    for (i = 0; i < wide; i++) s->square[i] = hfy_linalg_dot_(b + i * tall, b + i * tall, tall);
    tiny = DBL_MIN / DBL_EPSILON;
    for (sweep = 0; turns && sweep < HFY_LINALG_SWEEPS_; sweep++) {
        turns = 0;
        for (i = 0; i + 1 < wide; i++)
            for (j = i + 1; j < wide; j++) {
                double *x = b + i * tall, *y = b + j * tall, dot, zeta, t, c, sine;
                if (!(s->square[i] > tiny) || !(s->square[j] > tiny)) continue;
                dot = hfy_linalg_dot_(x, y, tall);
                if (fabs(dot) <= enough * sqrt(s->square[i]) * sqrt(s->square[j])) continue;
                zeta = (s->square[j] - s->square[i]) / (2 * dot);
                t = 1 / (fabs(zeta) + sqrt(1 + zeta * zeta));
                if (zeta < 0) t = -t;
                c = 1 / sqrt(1 + t * t);
                sine = c * t;
                hfy_linalg_turn_(x, y, tall, c, sine);
                hfy_linalg_turn_(s->v + i * wide, s->v + j * wide, wide, c, sine);
                s->square[i] = hfy_linalg_dot_(x, x, tall);
                s->square[j] = hfy_linalg_dot_(y, y, tall);
                turns++;
            }
    }
    if (turns) return HFY_ERR_CONVERGENCE;
    for (i = 0; i < wide; i++) { /* order */
        size_t best = i;
        for (j = i + 1; j < wide; j++)
            if (s->square[j] > s->square[best]) best = j;
        if (best != i) {
            double v = s->square[i];
            s->square[i] = s->square[best], s->square[best] = v;
            for (r = 0; r < tall; r++)
                v = b[i * tall + r], b[i * tall + r] = b[best * tall + r], b[best * tall + r] = v;
            for (r = 0; r < wide; r++)
                v = s->v[i * wide + r], s->v[i * wide + r] = s->v[best * wide + r], s->v[best * wide + r] = v;
        }
    }
    for (i = 0; i < wide; i++) {
        double norm = s->square[i] > tiny ? sqrt(s->square[i]) : 0;
        for (r = 0; unit && r < tall; r++) b[i * tall + r] = norm > 0 ? b[i * tall + r] / norm : 0;
        values[i] = norm / scale;
    }
    return HFY_OK;
}

HFY_PRIVATE_ hfy_status hfy_linalg_svd_check_(const double *a, size_t rows, size_t columns, const void *out,
                                              const char *name, hfy_work *w)
{
    if (!a || !out) return hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !a ? "a" : name);
    if (!rows || !columns || !hfy_base_fits_(rows, hfy_base_times_(columns, 2), sizeof(double)))
        return hfy_base_fail_(w, HFY_ERR_ARG,
                              "rows is %z and columns %z; both should be at least 1, and such an array should exist",
                              rows, columns);
    if (!hfy_base_is_finite_(hfy_linalg_largest_(a, rows * columns)))
        return hfy_base_fail_(w, HFY_ERR_NONFINITE, "a holds NaN or infinity");
    return HFY_OK;
}

HFY_API hfy_status hfy_linalg_svd(const double *a, size_t rows, size_t columns, double *values, double *left,
                                  double *right, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_linalg_svd_ s;
    hfy_status status;
    double *found = NULL;
    int pass;
    memset(&s, 0, sizeof s);
    s.eigen.simd = hfy_simd_choose_(w);
    status = s.eigen.simd ? hfy_linalg_svd_check_(a, rows, columns, values, "values", w) : HFY_ERR_UNSUPPORTED;
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        found = (double *)hfy_base_take_(&arena, hfy_base_min_(rows, columns), sizeof(double));
        hfy_linalg_svd_plan_(&arena, rows, columns, &s);
    }
    if (!status) {
        status = hfy_linalg_svd_run_(&s, a, rows, columns, found, left || right);
        if (status) status = hfy_base_fail_(w, status, "the rotations did not converge on %z x %z", rows, columns);
    }
    if (!status) {
        size_t tall = s.wide * s.tall * sizeof(double), wide = s.wide * s.wide * sizeof(double);
        memcpy(values, found, s.wide * sizeof(double));
        if (left) memcpy(left, rows >= columns ? s.matrix : s.v, rows >= columns ? tall : wide);
        if (right) memcpy(right, rows >= columns ? s.v : s.matrix, rows >= columns ? wide : tall);
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_linalg_pinv(const double *a, size_t rows, size_t columns, double cut, double *inverse,
                                   size_t *rank, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_linalg_svd_ s;
    hfy_status status;
    double *values = NULL;
    size_t i, j;
    int pass;
    memset(&s, 0, sizeof s);
    s.eigen.simd = hfy_simd_choose_(w);
    status = s.eigen.simd ? hfy_linalg_svd_check_(a, rows, columns, inverse, "inverse", w) : HFY_ERR_UNSUPPORTED;
    if (!status && (!(cut >= 0) || !hfy_base_is_finite_(cut)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "cut is %g; it should be finite and not negative", cut);
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        values = (double *)hfy_base_take_(&arena, hfy_base_min_(rows, columns), sizeof(double));
        hfy_linalg_svd_plan_(&arena, rows, columns, &s);
    }
    if (!status) {
        status = hfy_linalg_svd_run_(&s, a, rows, columns, values, 1);
        if (status) status = hfy_base_fail_(w, status, "the rotations did not converge on %z x %z", rows, columns);
    }
    if (!status) {
        size_t kept = 0;
        const double *l = rows >= columns ? s.matrix : s.v;
        double *r = rows >= columns ? s.v : s.matrix;
        if (!(cut > 0)) cut = (double)s.tall * DBL_EPSILON;
        while (kept < s.wide && values[kept] > cut * values[0]) kept++;
        for (i = 0; i < kept; i++)
            for (j = 0; j < columns; j++) r[i * columns + j] /= values[i];
        for (i = 0; !kept && i < rows * columns; i++) inverse[i] = 0;
        hfy_linalg_dgemm_(s.eigen.simd, columns, rows, kept, 1, r, 1, columns, l, rows, 1, 0, inverse, rows, 1,
                          s.eigen.gemm);
        if (rank) *rank = kept;
    }
    return hfy_base_close_(w, &local, status);
}

/* --- Cholesky in blocks: one factor that serves many right-hand sides --- */

typedef struct hfy_linalg_factor_ {
    const hfy_simd_ *simd;
    size_t n, tasks;
    double *l;        /* n x n: the factor in its lower triangle */
    double *inverse;  /* of each diagonal block: n x block */
    double *panel;    /* n x block */
    double *diagonal; /* n: of A */
    double *gemm;     /* tasks x slice */
    size_t slice;
    size_t from, width; /* the block column at work */
    double *x;          /* right-hand sides, n x columns */
    size_t columns;
    double *hold; /* tasks x block x columns of a task */
    size_t held;
} hfy_linalg_factor_;

/* l: the caller's n x n. columns: of all right-hand sides together, at most. */
HFY_PRIVATE_ void hfy_linalg_factor_plan_(hfy_base_arena_ *arena, size_t n, size_t columns, hfy_linalg_factor_ *f)
{
    size_t block = HFY_LINALG_BLOCK_;
    f->n = n;
    f->columns = columns;
    f->tasks = hfy_base_workers_();
    f->slice = hfy_linalg_gemm_scratch_(n, columns > n ? columns : n, n, sizeof(double));
    f->held = hfy_base_times_(block, columns / f->tasks + 1);
    f->inverse = (double *)hfy_base_take_(arena, hfy_base_times_(n + block, block), sizeof(double));
    f->panel = (double *)hfy_base_take_(arena, hfy_base_times_(n, block), sizeof(double));
    f->diagonal = (double *)hfy_base_take_(arena, n, sizeof(double));
    f->gemm = (double *)hfy_base_take_(arena, hfy_base_times_(f->tasks, f->slice), sizeof(double));
    f->hold = (double *)hfy_base_take_(arena, hfy_base_times_(f->tasks, f->held), sizeof(double));
}

/* Rows of the block column at work: minus what the columns to the left explain. */
HFY_PRIVATE_ void hfy_linalg_factor_left_(void *context, size_t task)
{
    const hfy_linalg_factor_ *f = (const hfy_linalg_factor_ *)context;
    size_t n = f->n, rows = n - f->from, first = rows * task / f->tasks, last = rows * (task + 1) / f->tasks;
    hfy_linalg_dgemm_(f->simd, last - first, f->width, f->from, -1, f->l + (f->from + first) * n, n, 1,
                      f->l + f->from * n, 1, n, 1, f->l + (f->from + first) * n + f->from, n, 1,
                      f->gemm + task * f->slice);
}

/* Rows below the diagonal block: times its inverse, transposed. */
HFY_PRIVATE_ void hfy_linalg_factor_below_(void *context, size_t task)
{
    const hfy_linalg_factor_ *f = (const hfy_linalg_factor_ *)context;
    size_t n = f->n, top = f->from + f->width, rows = n - top;
    size_t first = rows * task / f->tasks, last = rows * (task + 1) / f->tasks, i;
    double *to = f->l + top * n + f->from, *panel = f->panel;
    for (i = first; i < last; i++) memcpy(panel + i * f->width, to + i * n, f->width * sizeof(double));
    hfy_linalg_dgemm_(f->simd, last - first, f->width, f->width, 1, panel + first * f->width, f->width, 1,
                      f->inverse + f->from * HFY_LINALG_BLOCK_, 1, f->width, 0, to + first * n, n, 1,
                      f->gemm + task * f->slice);
}

/* A = L L^T in place in f->l (lower triangle). HFY_ERR_SINGULAR as hfy_linalg_cholesky_. */
HFY_PRIVATE_ hfy_status hfy_linalg_factor_run_(hfy_linalg_factor_ *f)
{
    const size_t n = f->n;
    const double rounding = 16 * (double)n * DBL_EPSILON;
    size_t i, j, k;
    for (i = 0; i < n; i++) f->diagonal[i] = f->l[i * n + i];
    for (f->from = 0; f->from < n; f->from += f->width) {
        double *l = f->l + f->from * n + f->from, *inverse = f->inverse + f->from * HFY_LINALG_BLOCK_;
        size_t m = f->width = hfy_base_min_(HFY_LINALG_BLOCK_, n - f->from);
        if (f->from) hfy_base_parallel_(f->tasks, hfy_linalg_factor_left_, f);
        for (i = 0; i < m; i++) {
            double *row = l + i * n, pivot;
            for (j = 0; j < i; j++) row[j] = (row[j] - hfy_linalg_dot_(row, l + j * n, j)) / l[j * n + j];
            pivot = row[i] - hfy_linalg_dot_(row, row, i);
            if (!hfy_base_is_finite_(pivot) || !(pivot > rounding * f->diagonal[f->from + i])) return HFY_ERR_SINGULAR;
            row[i] = sqrt(pivot);
        }
        for (i = 0; i < m; i++) /* row i of the inverse from the rows above */
            for (j = 0; j < m; j++) {
                double sum = i == j;
                if (j > i) {
                    inverse[i * m + j] = 0;
                    continue;
                }
                for (k = j; k < i; k++) sum -= l[i * n + k] * inverse[k * m + j];
                inverse[i * m + j] = sum / l[i * n + i];
            }
        if (f->from + m < n) hfy_base_parallel_(f->tasks, hfy_linalg_factor_below_, f);
    }
    return HFY_OK;
}

/* Some columns of X <- A^-1 X. */
HFY_PRIVATE_ void hfy_linalg_factor_solve_task_(void *context, size_t task)
{
    const hfy_linalg_factor_ *f = (const hfy_linalg_factor_ *)context;
    const size_t n = f->n, first = f->columns * task / f->tasks, last = f->columns * (task + 1) / f->tasks;
    const size_t many = last - first, across = f->columns;
    double *x = f->x + first, *hold = f->hold + task * f->held, *gemm = f->gemm + task * f->slice;
    size_t from, m, i;
    if (!many) return;
    for (from = 0; from < n; from += m) {
        m = hfy_base_min_(HFY_LINALG_BLOCK_, n - from);
        if (from)
            hfy_linalg_dgemm_(f->simd, m, many, from, -1, f->l + from * n, n, 1, x, across, 1, 1, x + from * across,
                              across, 1, gemm);
        for (i = 0; i < m; i++) memcpy(hold + i * many, x + (from + i) * across, many * sizeof(double));
        hfy_linalg_dgemm_(f->simd, m, many, m, 1, f->inverse + from * HFY_LINALG_BLOCK_, m, 1, hold, many, 1, 0,
                          x + from * across, across, 1, gemm);
    }
    for (from = (n - 1) / HFY_LINALG_BLOCK_ * HFY_LINALG_BLOCK_;; from -= HFY_LINALG_BLOCK_) {
        m = hfy_base_min_(HFY_LINALG_BLOCK_, n - from);
        if (from + m < n)
            hfy_linalg_dgemm_(f->simd, m, many, n - from - m, -1, f->l + (from + m) * n + from, 1, n,
                              x + (from + m) * across, across, 1, 1, x + from * across, across, 1, gemm);
        for (i = 0; i < m; i++) memcpy(hold + i * many, x + (from + i) * across, many * sizeof(double));
        hfy_linalg_dgemm_(f->simd, m, many, m, 1, f->inverse + from * HFY_LINALG_BLOCK_, 1, m, hold, many, 1, 0,
                          x + from * across, across, 1, gemm);
        if (!from) break;
    }
}

/* X <- A^-1 X for the n x columns array x. */
HFY_PRIVATE_ void hfy_linalg_factor_solve_(hfy_linalg_factor_ *f, double *x, size_t columns)
{
    f->x = x;
    f->columns = columns;
    hfy_base_parallel_(f->tasks, hfy_linalg_factor_solve_task_, f);
}

/* C = A B, split by rows among the workers: the bits are those of one product. */
typedef struct hfy_linalg_product_ {
    const hfy_simd_ *simd;
    size_t m, n, k, tasks, slice;
    const double *a, *b;
    double *c, *gemm;
} hfy_linalg_product_;

HFY_PRIVATE_ void hfy_linalg_product_task_(void *context, size_t task)
{
    const hfy_linalg_product_ *p = (const hfy_linalg_product_ *)context;
    size_t first = p->m * task / p->tasks, last = p->m * (task + 1) / p->tasks;
    if (last > first)
        hfy_linalg_dgemm_(p->simd, last - first, p->n, p->k, 1, p->a + first * p->k, p->k, 1, p->b, p->n, 1, 0,
                          p->c + first * p->n, p->n, 1, p->gemm + task * p->slice);
}

/* gemm: workers x hfy_linalg_gemm_scratch_(m, n, k) doubles. */
HFY_PRIVATE_ void hfy_linalg_product_run_(const hfy_simd_ *simd, size_t m, size_t n, size_t k, const double *a,
                                          const double *b, double *c, double *gemm, size_t slice)
{
    hfy_linalg_product_ p;
    p.simd = simd;
    p.m = m, p.n = n, p.k = k;
    p.tasks = hfy_base_min_(hfy_base_workers_(), m / 16 + 1);
    p.slice = slice;
    p.a = a, p.b = b, p.c = c, p.gemm = gemm;
    hfy_base_parallel_(p.tasks, hfy_linalg_product_task_, &p);
}
/* ------------------------------------------------------------------------------------------------------------------
   >>sim.impl   scores of queries against keys
   May call: simd.   Numerics: distances are summed from differences, not from norms and dots, so near matches keep
   their digits; beta multiplies in double.
   ------------------------------------------------------------------------------------------------------------------ */

/* 1/|x_i|, 0 for the zero vector: what COSINE needs. */
HFY_PRIVATE_ void hfy_sim_inverse_norms_(const hfy_simd_ *simd, const hfy_real *x, size_t stride, size_t rows,
                                         size_t dim, double *inverse)
{
    size_t i;
    for (i = 0; i < rows; i++) {
        hfy_real square;
        const hfy_real *row = x + i * stride;
        simd->dot(row, dim, 1, row, dim, 1, dim, &square, 1);
        if ((double)square > HFY_REAL_MIN_ / HFY_REAL_EPS_ && (double)square <= HFY_REAL_MAX_) {
            inverse[i] = 1 / sqrt((double)square);
        } else { /* zero, or a square that leaves the range of hfy_real */
            double sum = 0, big = 0;
            size_t d;
            for (d = 0; d < dim; d++) big = fabs((double)row[d]) > big ? fabs((double)row[d]) : big;
            for (d = 0; d < dim; d++) {
                double v = big > 0 ? (double)row[d] / big : (double)row[d];
                sum += v * v;
            }
            inverse[i] = big > 0 ? 1 / big / sqrt(sum) : sum; /* sum: 0, or NaN to be found in the scores */
        }
    }
}

/* One cosine, where the dot product itself would leave the range of hfy_real. */
HFY_PRIVATE_ double hfy_sim_cosine_(const hfy_real *x, double inverse_x, const hfy_real *q, double inverse_q,
                                    size_t dim)
{
    double sum = 0;
    size_t d;
    for (d = 0; d < dim; d++) sum += (double)x[d] * inverse_x * ((double)q[d] * inverse_q);
    return sum;
}

/* scores[j*out_stride + i] = beta sim(x_i, q_j). inverse_x, inverse_q: COSINE only. */
HFY_PRIVATE_ void hfy_sim_tile_(const hfy_simd_ *simd, hfy_sim sim, double beta, const hfy_real *x, size_t x_stride,
                                size_t rows, const double *inverse_x, const hfy_real *q, size_t q_stride, size_t nq,
                                const double *inverse_q, size_t dim, hfy_real *out, size_t out_stride)
{
    size_t i, j;
    if (sim == HFY_SIM_EUCLIDEAN)
        simd->euclidean(x, x_stride, rows, q, q_stride, nq, dim, out, out_stride);
    else if (sim == HFY_SIM_MANHATTAN)
        simd->manhattan(x, x_stride, rows, q, q_stride, nq, dim, out, out_stride);
    else
        simd->dot(x, x_stride, rows, q, q_stride, nq, dim, out, out_stride);
    if (sim == HFY_SIM_EUCLIDEAN) beta *= -0.5;
    if (sim == HFY_SIM_MANHATTAN) beta = -beta;
    for (j = 0; j < nq; j++) {
        hfy_real *s = out + j * out_stride;
        if (sim != HFY_SIM_COSINE) {
            for (i = 0; i < rows; i++) s[i] = (hfy_real)(beta * (double)s[i]);
            continue;
        }
        for (i = 0; i < rows; i++) {
            double inverse = inverse_q[j] * inverse_x[i];
            s[i] = inverse > 4 / HFY_REAL_MAX_ && inverse < HFY_REAL_EPS_ / HFY_REAL_MIN_
                       ? (hfy_real)(beta * (inverse * (double)s[i]))
                       : (hfy_real)(beta * hfy_sim_cosine_(x + i * x_stride, inverse_x[i], q + j * q_stride,
                                                           inverse_q[j], dim));
        }
    }
}

HFY_API hfy_status hfy_sim_scores(hfy_sim sim, double beta, const hfy_real *keys, size_t count, size_t dim,
                                  size_t key_stride, const hfy_real *queries, size_t n_queries, hfy_real *scores,
                                  hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    const hfy_simd_ *simd = hfy_simd_choose_(w);
    hfy_status status = HFY_OK;
    double *inverse_x = NULL, *inverse_q = NULL;
    int pass;
    if (!simd)
        status = HFY_ERR_UNSUPPORTED;
    else if ((unsigned)sim > HFY_SIM_MANHATTAN)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "sim is %z; it should be one of hfy_sim", (size_t)sim);
    else if (!hfy_base_is_finite_(beta))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "beta is %g; it should be finite", beta);
    else if (!count || !dim)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "count is %z and dim %z; both should be at least 1", count, dim);
    else if (key_stride && key_stride < dim)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "key_stride is %z; it should be 0 or at least dim, %z", key_stride,
                                dim);
    else if (!hfy_base_fits_(count, key_stride ? key_stride : dim, sizeof *keys) ||
             !hfy_base_fits_(n_queries, count > dim ? count : dim, sizeof *keys))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "count %z, dim %z, n_queries %z: an array of that size cannot exist",
                                count, dim, n_queries);
    else if (!keys || (n_queries && (!queries || !scores)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !keys ? "keys" : !queries ? "queries" : "scores");
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status || sim != HFY_SIM_COSINE) continue;
        inverse_x = (double *)hfy_base_take_(&arena, count, sizeof *inverse_x);
        inverse_q = (double *)hfy_base_take_(&arena, n_queries, sizeof *inverse_q);
    }
    if (!status) {
        if (!key_stride) key_stride = dim;
        if (sim == HFY_SIM_COSINE) {
            hfy_sim_inverse_norms_(simd, keys, key_stride, count, dim, inverse_x);
            hfy_sim_inverse_norms_(simd, queries, dim, n_queries, dim, inverse_q);
        }
        hfy_sim_tile_(simd, sim, beta, keys, key_stride, count, inverse_x, queries, dim, n_queries, inverse_q, dim,
                      scores, count);
    }
    return hfy_base_close_(w, &local, status);
}

/* ------------------------------------------------------------------------------------------------------------------
   >>index.impl   a prepared memory: which few keys a query must be compared with
   May call: base, simd, linalg.
   How: every key x is held as x^ = scale * int8. For a query q ~ q^ = step * int, and any row m (the mean of the keys),
       x.q = x^.q^ + m.(q - q^) + rest,   |rest| <= |x - x^| |q| + |x^ - m| |q - q^|,
   so one whole-number dot bounds a score. In front of the rows may stand a prefix: coefficients of x - v m in a few
   directions B, as int8 c^, with y ~ B (q - a m) and q' = q - a m - B^T y:
       x.q = v m.q + c^.y + rest,   |rest| <= |c - c^||y| + |c^||B q'| + |x - v m - B^T c^||q'| + |a||(x - v m).m|.
   Nothing here asks B to be orthonormal. Bounds become upper bounds of theta by the very expression that makes theta of
   a score, which is monotone; rows that cannot reach the best, by the separation's own comparison, are dropped, the
   others are scored by the canonical dot. So the candidates are those of the full scan, to the bit.
   Numerics: proof of every slack in docs/math.md. Keys and queries are scaled by powers of two to a largest element in
   [1/2, 1), so that nothing overflows; row constants are floats rounded up; bounds are added up in double.
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_INDEX_FORMAT_ (UINT64_C(0x4846594958000100) + sizeof(hfy_real))
#define HFY_INDEX_CHUNK_ 256  /* rows whose dots are made at a time */
#define HFY_INDEX_FEW_ 8      /* rows scored for a first threshold */
#define HFY_INDEX_BATCH_ 16   /* queries from which on they share a pass in tiles */
#define HFY_INDEX_LIST_ 2048  /* candidates of a query of a batch */
#define HFY_INDEX_BUILD_ 64   /* rows of a step of the build */
#define HFY_INDEX_SAMPLES_ 16 /* rows looked at to recognise the keys */
#define HFY_INDEX_ROUNDS_ 4   /* of the block power iteration */
#define HFY_INDEX_ROOF_ 2048  /* most additions one product passes through in float before a dot moves to double */
#define HFY_INDEX_TINY_ 8.271806125530277e-25 /* 2^-80: what underflow can add to a prefix's norms, with room */
#define HFY_INDEX_SPEC_ 0.001953125           /* 2^-9: share of |c^| that stands for |B q'| / |y| */
#ifdef HFY_DOUBLE
#define HFY_INDEX_MIN_ DBL_MIN
#else
#define HFY_INDEX_MIN_ ((double)FLT_MIN)
#endif

/* The arrays in the caller's memory. */
typedef struct hfy_index_view_ {
    signed char *rows;             /* count x dim */
    float *scale, *error, *spread; /* x^ = scale * row; |x - x^| with all slack; |x^ - mean| */
    int32_t *sum;                  /* of the row's integers */
    float *mean;                   /* dim */
    signed char *coef;             /* count x prefix */
    float *c_scale, *c_mean;       /* c^ = c_scale * coef; v */
    float *c_error, *c_rest;       /* |c - c^| with all slack; |x - v m - B^T c^| */
    int32_t *c_sum;                /* of the coefficients' integers */
    hfy_real *basis;               /* prefix x dim */
} hfy_index_view_;

HFY_PRIVATE_ void hfy_index_layout_(hfy_base_arena_ *arena, size_t count, size_t dim, size_t prefix, hfy_index_view_ *v)
{
    size_t n = hfy_base_plus_(count, 8);
    v->rows = (signed char *)hfy_base_take_(arena, hfy_base_plus_(hfy_base_times_(count, dim), HFY_SIMD_PAD_), 1);
    v->scale = (float *)hfy_base_take_(arena, n, sizeof(float));
    v->error = (float *)hfy_base_take_(arena, n, sizeof(float));
    v->spread = (float *)hfy_base_take_(arena, n, sizeof(float));
    v->sum = (int32_t *)hfy_base_take_(arena, n, sizeof(int32_t));
    v->mean = (float *)hfy_base_take_(arena, dim, sizeof(float));
    if (!prefix) return;
    v->coef = (signed char *)hfy_base_take_(arena, hfy_base_plus_(hfy_base_times_(count, prefix), HFY_SIMD_PAD_), 1);
    v->c_scale = (float *)hfy_base_take_(arena, n, sizeof(float));
    v->c_mean = (float *)hfy_base_take_(arena, n, sizeof(float));
    v->c_error = (float *)hfy_base_take_(arena, n, sizeof(float));
    v->c_rest = (float *)hfy_base_take_(arena, n, sizeof(float));
    v->c_sum = (int32_t *)hfy_base_take_(arena, n, sizeof(int32_t));
    v->basis = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(prefix, dim), sizeof(hfy_real));
}

HFY_PRIVATE_ hfy_index_view_ hfy_index_view_of_(const hfy_index *index)
{
    hfy_base_arena_ arena = {NULL, 0};
    hfy_index_view_ v;
    memset(&v, 0, sizeof v);
    arena.base = (unsigned char *)index->data;
    hfy_index_layout_(&arena, index->count, index->dim, index->prefix, &v);
    return v;
}

/* --- numbers --- */

/* 2^e as two factors: multiplying by one and then the other neither overflows nor rounds where the product does not. */
typedef struct hfy_index_power_ {
    double a, b;
} hfy_index_power_;

HFY_PRIVATE_ hfy_index_power_ hfy_index_power_of_(int e)
{
    hfy_index_power_ p;
    p.a = ldexp(1.0, e / 2);
    p.b = ldexp(1.0, e - e / 2);
    return p;
}

/* A float not below x >= 0. */
HFY_PRIVATE_ float hfy_index_up_(double x) { return (float)((x + 1e-36) * (1 + 3e-7)); }

/* An upper bound of the square root of a sum of n squares that was added up in double. */
HFY_PRIVATE_ double hfy_index_norm_(double squares, size_t n)
{
    return sqrt(squares) * (1 + ((double)n + 8) * DBL_EPSILON);
}

/* |canonical dot - x.q| <= this |x||q| (but for underflow), for any order of adding within a block, fused or not. */
HFY_PRIVATE_ double hfy_index_slack_(size_t dim)
{
    double additions = (double)hfy_base_min_(dim, HFY_INDEX_ROOF_) + 16;
    return 0.51 * additions * HFY_REAL_EPS_ + ((double)dim / HFY_INDEX_ROOF_ + 4) * DBL_EPSILON;
}

/* --- fingerprints --- */

HFY_PRIVATE_ uint64_t hfy_index_mix_(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Four lanes of invertible steps: one changed word always changes the result. */
HFY_PRIVATE_ uint64_t hfy_index_hash_(uint64_t seed, const void *data, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)data;
    uint64_t lane[4], w;
    size_t l;
    for (l = 0; l < 4; l++) lane[l] = hfy_index_mix_(seed + l + 1);
    for (; bytes >= 32; bytes -= 32)
        for (l = 0; l < 4; l++, p += 8) {
            memcpy(&w, p, 8);
            lane[l] = (lane[l] ^ w) * UINT64_C(0x9E3779B97F4A7C15);
            lane[l] ^= lane[l] >> 29;
        }
    for (l = 0; bytes; l++) {
        size_t n = hfy_base_min_(bytes, 8);
        w = 0;
        memcpy(&w, p, n);
        lane[l] = hfy_index_mix_((lane[l] ^ w) * UINT64_C(0x9E3779B97F4A7C15));
        p += n, bytes -= n;
    }
    for (l = 0; l < 4; l++) seed = hfy_index_mix_((seed + 1) * 5 ^ lane[l]);
    return seed;
}

HFY_PRIVATE_ uint64_t hfy_index_hash_keys_(const hfy_real *keys, size_t count, size_t dim, size_t stride)
{
    uint64_t h = hfy_index_mix_(count) ^ dim;
    size_t i;
    for (i = 0; i < count; i++) h = hfy_index_hash_(h, keys + i * stride, dim * sizeof *keys);
    return h;
}

/* The same of a few rows, first and last among them. */
HFY_PRIVATE_ uint64_t hfy_index_hash_sample_(const hfy_real *keys, size_t count, size_t dim, size_t stride)
{
    uint64_t h = hfy_index_mix_(count) ^ dim, i, n = count < HFY_INDEX_SAMPLES_ ? count : HFY_INDEX_SAMPLES_;
    for (i = 0; i < n; i++)
        h = hfy_index_hash_(h, keys + (n > 1 ? (size_t)(i * (count - 1) / (n - 1)) : 0) * stride, dim * sizeof *keys);
    return h;
}

HFY_PRIVATE_ uint64_t hfy_index_seal_(const hfy_index *index)
{
    uint64_t member[14];
    member[0] = index->bytes, member[1] = index->count, member[2] = index->dim, member[3] = index->prefix;
    member[4] = hfy_base_bits_(index->residual), member[5] = hfy_base_bits_(index->error), member[6] = index->format;
    member[7] = index->fingerprint, member[8] = index->sampled, member[9] = hfy_base_bits_(index->mean_norm);
    member[10] = hfy_base_bits_(index->basis_norm), member[11] = hfy_base_bits_(index->largest);
    member[12] = (uint64_t)(int64_t)index->exponent, member[13] = 0;
    return hfy_index_hash_(hfy_index_hash_(0, member, sizeof member), index->data, index->bytes);
}

/* Is this an index of such keys? Shape and a few rows. */
HFY_PRIVATE_ hfy_status hfy_index_matches_(const hfy_index *index, const hfy_real *keys, size_t count, size_t dim,
                                           size_t stride, hfy_work *work)
{
    if (!index->data || index->format != HFY_INDEX_FORMAT_)
        return hfy_base_fail_(work, HFY_ERR_ARG,
                              "index was not built by hfy_index_build of this version and precision");
    if (index->count != count || index->dim != dim)
        return hfy_base_fail_(work, HFY_ERR_ARG, "index is of %z keys of dim %z; these are %z of dim %z", index->count,
                              index->dim, count, dim);
    if (index->sampled != hfy_index_hash_sample_(keys, count, dim, stride))
        return hfy_base_fail_(work, HFY_ERR_ARG,
                              "index was built from other keys, or they have changed since: build it again");
    return HFY_OK;
}

/* --- sizes --- */

/* The most directions that options allow; SIZE_MAX: no index of that size. */
HFY_PRIVATE_ size_t hfy_index_prefix_(size_t count, size_t dim, const hfy_index_options *options)
{
    size_t want = options ? options->prefix : 0;
    if (!count || !dim || dim > ((size_t)1 << 24) || (uint64_t)count > UINT32_MAX) return SIZE_MAX;
    if (want == SIZE_MAX) return 0;
    if (want) return want <= dim ? want : SIZE_MAX;
    return dim < 128 || count < 1024 ? 0 : hfy_base_min_(128, dim / 4 / 32 * 32);
}

HFY_API size_t hfy_index_size(size_t count, size_t dim, const hfy_index_options *options)
{
    hfy_base_arena_ arena = {NULL, 0};
    hfy_index_view_ view;
    size_t prefix = hfy_index_prefix_(count, dim, options);
    if (prefix == SIZE_MAX) return SIZE_MAX;
    hfy_index_layout_(&arena, count, dim, prefix, &view);
    return arena.used < (size_t)PTRDIFF_MAX ? arena.used + 63 : SIZE_MAX;
}

/* --- build --- */

typedef struct hfy_index_build_ {
    const hfy_real *keys;
    size_t count, dim, stride, prefix, samples;
    const hfy_simd_ *simd;
    hfy_index_power_ unit; /* a key's element times this lies within [-1, 1] */
    double *norm, *sorted; /* samples */
    double *wide;          /* dim */
    double *directions;    /* prefix x dim */
    hfy_real *block;       /* prefix x dim: the directions, rounded */
    hfy_real *next;        /* prefix x dim */
    hfy_real *tile;        /* BUILD x dim */
    hfy_real *coef;        /* BUILD x prefix */
    double *energy;        /* prefix */
} hfy_index_build_;

HFY_PRIVATE_ void hfy_index_plan_build_(hfy_base_arena_ *arena, hfy_index_build_ *b)
{
    size_t r = b->prefix, tile = r ? HFY_INDEX_BUILD_ : 0;
    b->norm = (double *)hfy_base_take_(arena, b->samples, sizeof(double));
    b->sorted = (double *)hfy_base_take_(arena, b->samples, sizeof(double));
    b->wide = (double *)hfy_base_take_(arena, b->dim, sizeof(double));
    b->directions = (double *)hfy_base_take_(arena, hfy_base_times_(r, b->dim), sizeof(double));
    b->block = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(r, b->dim), sizeof(hfy_real));
    b->next = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(r, b->dim), sizeof(hfy_real));
    b->tile = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(tile, b->dim), sizeof(hfy_real));
    b->coef = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(tile, r), sizeof(hfy_real));
    b->energy = (double *)hfy_base_take_(arena, r, sizeof(double));
}

HFY_PRIVATE_ double hfy_index_element_(const hfy_index_build_ *b, hfy_real x)
{
    return (double)x * b->unit.a * b->unit.b;
}

/* The t-th sampled row. */
HFY_PRIVATE_ const hfy_real *hfy_index_sampled_(const hfy_index_build_ *b, size_t t)
{
    return b->keys + (size_t)((uint64_t)t * b->count / b->samples) * b->stride;
}

/* The mean of the sampled rows, those far longer than most left out (marked by a norm below 0): any row would do, a
   good one narrows the bounds. Returns an upper bound of its norm. */
HFY_PRIVATE_ double hfy_index_mean_(hfy_index_build_ *b, float *mean)
{
    size_t t, d, used = 0;
    double typical, squares = 0;
    for (d = 0; d < b->dim; d++) b->wide[d] = 0;
    for (t = 0; t < b->samples; t++) {
        const hfy_real *x = hfy_index_sampled_(b, t);
        double sum = 0;
        for (d = 0; d < b->dim; d++) {
            double v = hfy_index_element_(b, x[d]);
            sum += v * v;
        }
        b->norm[t] = sqrt(sum);
    }
    memcpy(b->sorted, b->norm, b->samples * sizeof *b->sorted);
    typical = hfy_base_kth_largest_(b->sorted, b->samples, (b->samples + 1) / 2);
    for (t = 0; t < b->samples; t++) {
        const hfy_real *x = hfy_index_sampled_(b, t);
        if (b->norm[t] > 4 * typical) {
            b->norm[t] = -1;
            continue;
        }
        used++;
        for (d = 0; d < b->dim; d++) b->wide[d] += hfy_index_element_(b, x[d]);
    }
    for (d = 0; d < b->dim; d++) {
        mean[d] = used ? (float)(b->wide[d] / (double)used) : 0;
        if (fabs((double)mean[d]) < 1e-18) mean[d] = 0;
        squares += (double)mean[d] * (double)mean[d];
    }
    return hfy_index_norm_(squares, b->dim);
}

/* One row in int8: row, scale, sum. Returns its squared distance from the key; norm and spread are bounds. */
HFY_PRIVATE_ double hfy_index_quantise_(const hfy_index_build_ *b, const hfy_real *x, const float *mean,
                                        signed char *row, float *scale, int32_t *sum, double *norm, double *spread)
{
    size_t d;
    double largest = 0, inverse, s, squares = 0, error = 0, away = 0;
    int32_t total = 0;
    for (d = 0; d < b->dim; d++) {
        double v = fabs(hfy_index_element_(b, x[d]));
        largest = v > largest ? v : largest;
    }
    *scale = largest > 1e-30 ? (float)(largest / 127) : 0;
    s = (double)*scale;
    inverse = s > 0 ? 1 / s : 0;
    for (d = 0; d < b->dim; d++) {
        double v = hfy_index_element_(b, x[d]), t = v * inverse, w;
        int k = (int)(t < 0 ? t - 0.5 : t + 0.5);
        k = k > 127 ? 127 : k < -127 ? -127 : k;
        row[d] = (signed char)k;
        total += k;
        w = s * (double)k;
        squares += v * v;
        error += (v - w) * (v - w);
        away += (w - (double)mean[d]) * (w - (double)mean[d]);
    }
    *sum = total;
    *norm = hfy_index_norm_(squares, b->dim);
    *spread = hfy_index_norm_(away, b->dim);
    return error;
}

/* x - v m of one key, rounded to hfy_real, and v; returns x.m. */
HFY_PRIVATE_ double hfy_index_deflate_(const hfy_index_build_ *b, const hfy_real *x, const float *mean,
                                       double mean_square, float *v, hfy_real *out)
{
    double along = 0;
    size_t d;
    for (d = 0; d < b->dim; d++) along += hfy_index_element_(b, x[d]) * (double)mean[d];
    *v = mean_square > 0 ? (float)(along / mean_square) : 0;
    for (d = 0; d < b->dim; d++) out[d] = (hfy_real)(hfy_index_element_(b, x[d]) - (double)*v * (double)mean[d]);
    return along;
}

/* Orthonormal directions from the rows of next, in double, by Gram and Schmidt done twice; a row that depends on
   earlier ones becomes 0. Into directions and, rounded, block. */
HFY_PRIVATE_ void hfy_index_orthonormal_(hfy_index_build_ *b)
{
    size_t i, j, d, n = b->dim;
    int pass;
    for (i = 0; i < b->prefix; i++) {
        double *v = b->directions + i * n, before, scale;
        for (d = 0; d < n; d++) v[d] = (double)b->next[i * n + d];
        before = hfy_linalg_dot_(v, v, n);
        for (pass = 0; pass < 2; pass++)
            for (j = 0; j < i; j++) {
                const double *u = b->directions + j * n;
                double c = hfy_linalg_dot_(u, v, n);
                for (d = 0; d < n; d++) v[d] -= c * u[d];
            }
        scale = hfy_linalg_dot_(v, v, n);
        scale = scale > 1e-10 * before && scale > 1e-40 ? 1 / sqrt(scale) : 0;
        for (d = 0; d < n; d++) {
            v[d] *= scale;
            b->block[i * n + d] = (hfy_real)v[d];
        }
    }
}

/* Principal directions of the sampled rows, their mean direction apart: block power iteration with C = sum x x^T,
   which is never formed. Leaves them in b->block and the sum of squares along each in b->energy; returns that of the
   rows. */
HFY_PRIVATE_ double hfy_index_directions_(hfy_index_build_ *b, const float *mean, double mean_square)
{
    size_t round, from, t, i, n, dim = b->dim, r = b->prefix;
    double total = 0;
    hfy_rng rng = hfy_rng_seed(1);
    for (i = 0; i < r; i++) b->energy[i] = 0;
    for (round = 0; round < HFY_INDEX_ROUNDS_ + 2; round++) {
        int first = round == 0, last = round > HFY_INDEX_ROUNDS_;
        if (!first) hfy_index_orthonormal_(b);
        if (!last) memset(b->next, 0, r * dim * sizeof *b->next);
        for (from = 0; from < b->samples; from += HFY_INDEX_BUILD_) {
            for (n = 0, t = from; t < b->samples && t < from + HFY_INDEX_BUILD_; t++) {
                float v;
                if (b->norm[t] < 0) continue; /* too long to speak for the others */
                hfy_index_deflate_(b, hfy_index_sampled_(b, t), mean, mean_square, &v, b->tile + n * dim);
                n++;
            }
            if (!n) continue;
            if (first)
                for (i = 0; i < r * HFY_INDEX_BUILD_; i++) b->coef[i] = (hfy_real)hfy_rng_sign(&rng);
            else /* coef[i*BUILD + t] = <row t, direction i> */
                b->simd->dot(b->tile, dim, n, b->block, dim, r, dim, b->coef, HFY_INDEX_BUILD_);
            if (last) {
                for (t = 0; t < n * dim; t++) total += (double)b->tile[t] * (double)b->tile[t];
                for (i = 0; i < r; i++)
                    for (t = 0; t < n; t++) {
                        double c = (double)b->coef[i * HFY_INDEX_BUILD_ + t];
                        b->energy[i] += c * c;
                    }
                continue;
            }
            b->simd->combine(b->coef, HFY_INDEX_BUILD_, r, b->tile, dim, n, dim, b->next, dim);
        }
    }
    return total;
}

/* How many of the directions, best first, pay: the fewest that leave a quarter of the rows' norm, all of them if they
   leave at most half, else none. Puts the best first. */
HFY_PRIVATE_ size_t hfy_index_choose_(hfy_index_build_ *b, double total, int forced, double *residual)
{
    size_t i, j, d, r = b->prefix, choice;
    double left = total;
    for (i = 0; i < r; i++) { /* selection sort: as many swaps as directions */
        size_t best = i;
        for (j = i + 1; j < r; j++)
            if (b->energy[j] > b->energy[best]) best = j;
        if (best != i) {
            double e = b->energy[i];
            b->energy[i] = b->energy[best], b->energy[best] = e;
            for (d = 0; d < b->dim; d++) {
                hfy_real v = b->block[i * b->dim + d];
                b->block[i * b->dim + d] = b->block[best * b->dim + d], b->block[best * b->dim + d] = v;
            }
        }
    }
    choice = r;
    for (i = 0; i < r; i++) {
        left -= b->energy[i];
        if (!forced && (i + 1) % 32 == 0 && left <= total / 16) {
            choice = i + 1;
            break;
        }
    }
    *residual = total > 0 && left > 0 ? sqrt(left / total) : 0;
    if (!forced && (!(total > 0) || *residual > 0.5)) choice = 0;
    if (!choice) *residual = 1;
    return choice;
}

/* The prefix of all keys in the directions of view->basis. */
HFY_PRIVATE_ void hfy_index_fill_prefix_(hfy_index_build_ *b, const hfy_index *index, double mean_square,
                                         hfy_index_view_ *view)
{
    size_t from, n, t, k, d, dim = b->dim, r = index->prefix;
    double mean_norm = index->mean_norm, gamma = hfy_index_slack_(dim), rounding = (2 * (double)r + 4) * HFY_REAL_EPS_;
    double frobenius = index->basis_norm * sqrt((double)r) * (1 + 1e-12);
    for (from = 0; from < b->count; from += n) {
        float v[HFY_INDEX_BUILD_];
        double norm[HFY_INDEX_BUILD_], along[HFY_INDEX_BUILD_], start[HFY_INDEX_BUILD_];
        n = hfy_base_min_(HFY_INDEX_BUILD_, b->count - from);
        for (t = 0; t < n; t++) {
            const hfy_real *x = b->keys + (from + t) * b->stride;
            double squares = 0, inner = 0;
            along[t] = hfy_index_deflate_(b, x, view->mean, mean_square, v + t, b->tile + t * dim);
            for (d = 0; d < dim; d++) {
                double a = hfy_index_element_(b, x[d]), z = (double)b->tile[t * dim + d];
                squares += a * a;
                inner += z * z;
            }
            norm[t] = hfy_index_norm_(squares, dim);
            start[t] = hfy_index_norm_(inner, dim);
        }
        b->simd->dot(view->basis, dim, r, b->tile, dim, n, dim, b->coef, r);
        for (t = 0; t < n; t++) {
            hfy_real *c = b->coef + t * r;
            size_t at = from + t;
            double largest = 0, scale, inverse, error = 0, size = 0;
            int32_t sum = 0;
            for (k = 0; k < r; k++) largest = fabs((double)c[k]) > largest ? fabs((double)c[k]) : largest;
            view->c_scale[at] = largest > 1e-30 ? (float)(largest / 127) : 0;
            scale = (double)view->c_scale[at];
            inverse = scale > 0 ? 1 / scale : 0;
            for (k = 0; k < r; k++) {
                double f = (double)c[k], s = f * inverse;
                int whole = (int)(s < 0 ? s - 0.5 : s + 0.5);
                whole = whole > 127 ? 127 : whole < -127 ? -127 : whole;
                view->coef[at * r + k] = (signed char)whole;
                sum += whole;
                error += (f - scale * whole) * (f - scale * whole);
                size += scale * whole * (scale * whole);
                c[k] = (hfy_real)(-scale * whole);
            }
            view->c_sum[at] = sum;
            view->c_mean[at] = v[t];
            error = hfy_index_norm_(error, r);
            size = hfy_index_norm_(size, r);
            { /* what docs/math.md calls A and H */
                double all = norm[t] + fabs((double)v[t]) * mean_norm, moved = HFY_REAL_EPS_ * all;
                double tilt =
                    fabs(along[t] - (double)v[t] * mean_square) + 2 * ((double)dim + 8) * DBL_EPSILON * all * mean_norm;
                error += frobenius * (gamma * start[t] + moved) + HFY_INDEX_SPEC_ * size + 16 * (gamma + 9.6e-7) * all;
                if (mean_norm > 0) error += 17 * tilt / mean_norm;
                view->c_error[at] = hfy_index_up_(error + HFY_INDEX_TINY_);
                norm[t] = moved + rounding * (start[t] + size * frobenius) + HFY_INDEX_TINY_;
            }
        }
        b->simd->combine(b->coef, r, n, view->basis, dim, r, dim, b->tile, dim);
        for (t = 0; t < n; t++) {
            double squares = 0;
            for (d = 0; d < dim; d++) squares += (double)b->tile[t * dim + d] * (double)b->tile[t * dim + d];
            view->c_rest[from + t] = hfy_index_up_(hfy_index_norm_(squares, dim) + norm[t]);
        }
    }
}

/* An upper bound of the largest singular value of the stored directions: the largest row sum of |B B^T|. */
HFY_PRIVATE_ double hfy_index_basis_norm_(const hfy_real *basis, size_t r, size_t dim)
{
    size_t i, j, d;
    double largest = 0;
    for (i = 0; i < r; i++) {
        double sum = 0;
        for (j = 0; j < r; j++) {
            double g = 0;
            for (d = 0; d < dim; d++) g += (double)basis[i * dim + d] * (double)basis[j * dim + d];
            sum += fabs(g);
        }
        largest = sum > largest ? sum : largest;
    }
    return sqrt(largest) * (1 + 1e-8) + 1e-8;
}

/* Looks at every element: their largest, a fingerprint, and the first row that is not finite (count if none). */
HFY_PRIVATE_ size_t hfy_index_survey_(const hfy_index_build_ *b, double *largest, uint64_t *fingerprint)
{
    size_t i, d;
    double most = 0;
    for (i = 0; i < b->count; i++) {
        const hfy_real *x = b->keys + i * b->stride;
        int bad = 0;
        for (d = 0; d < b->dim; d++) {
            double v = fabs((double)x[d]);
            bad |= !hfy_base_is_finite_(v);
            most = v > most ? v : most;
        }
        if (bad) return i;
    }
    *largest = most;
    *fingerprint = hfy_index_hash_keys_(b->keys, b->count, b->dim, b->stride);
    return b->count;
}

HFY_API hfy_status hfy_index_build(const hfy_real *keys, size_t count, size_t dim, size_t key_stride,
                                   const hfy_index_options *options, void *memory, size_t bytes, hfy_index *index,
                                   hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0}, place = {NULL, 0};
    hfy_index_build_ b;
    hfy_index_view_ view;
    hfy_index made;
    hfy_status status = HFY_OK;
    size_t need = hfy_index_size(count, dim, options), bad, i, d;
    double largest = 0;
    int pass;
    memset(&b, 0, sizeof b);
    memset(&view, 0, sizeof view);
    memset(&made, 0, sizeof made);
    b.keys = keys, b.count = count, b.dim = dim, b.stride = key_stride ? key_stride : dim;
    b.simd = hfy_simd_choose_(w);
    if (!b.simd)
        status = HFY_ERR_UNSUPPORTED;
    else if (!keys || !memory || !index)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !keys ? "keys" : !memory ? "memory" : "index");
    else if (!count || !dim)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "count is %z and dim %z; both should be at least 1", count, dim);
    else if (options && options->prefix != SIZE_MAX && options->prefix > dim)
        status =
            hfy_base_fail_(w, HFY_ERR_ARG, "options->prefix is %z; it should be at most dim, %z, or SIZE_MAX for none",
                           options->prefix, dim);
    else if (b.stride < dim)
        status =
            hfy_base_fail_(w, HFY_ERR_ARG, "key_stride is %z; it should be 0 or at least dim, %z", key_stride, dim);
    else if (need == SIZE_MAX || !hfy_base_fits_(count, b.stride, sizeof *keys))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "count %z, dim %z: too many for an index", count, dim);
    else if (bytes < need)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "bytes is %z; this index needs %z", bytes, need);
    b.prefix = status ? 0 : hfy_index_prefix_(count, dim, options);
    b.samples = hfy_base_min_(count, options && options->sample ? options->sample : 2048);
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (!status) hfy_index_plan_build_(&arena, &b);
    }
    if (!status) {
        bad = hfy_index_survey_(&b, &largest, &made.fingerprint);
        if (bad < count)
            status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "keys: NaN or infinity in row %z; all should be finite", bad);
        else if (largest > 0)
            (void)frexp(largest, &made.exponent);
    }
    if (!status) {
        double gamma = hfy_index_slack_(dim), squares = 0, errors = 0, mean_square = 0;
        made.data = (unsigned char *)memory + ((64 - (size_t)((uintptr_t)memory & 63)) & 63);
        made.count = count, made.dim = dim;
        made.format = HFY_INDEX_FORMAT_;
        made.sampled = hfy_index_hash_sample_(keys, count, dim, b.stride);
        made.residual = 1;
        b.unit = hfy_index_power_of_(-made.exponent);
        place.base = (unsigned char *)memory + ((64 - (size_t)((uintptr_t)memory & 63)) & 63);
        memset(place.base, 0, need - 63);
        hfy_index_layout_(&place, count, dim, 0, &view);
        made.mean_norm = hfy_index_mean_(&b, view.mean);
        for (i = 0; i < count; i++) {
            double norm, spread, error;
            error = hfy_index_quantise_(&b, keys + i * b.stride, view.mean, view.rows + i * dim, view.scale + i,
                                        view.sum + i, &norm, &spread);
            squares += norm * norm, errors += error;
            made.largest = norm > made.largest ? norm : made.largest;
            error = hfy_index_norm_(error, dim);
            view.error[i] = hfy_index_up_(error + gamma * norm + 1.2e-13 * (norm + error));
            view.spread[i] = hfy_index_up_(spread);
        }
        made.error = squares > 0 ? sqrt(errors / squares) : 0;
        for (d = 0; d < dim; d++) mean_square += (double)view.mean[d] * (double)view.mean[d];
        if (b.prefix) {
            double total = hfy_index_directions_(&b, view.mean, mean_square);
            made.prefix = hfy_index_choose_(&b, total, options && options->prefix, &made.residual);
        }
        place.used = 0;
        hfy_index_layout_(&place, count, dim, made.prefix, &view);
        made.bytes = place.used;
        if (made.prefix) {
            memcpy(view.basis, b.block, made.prefix * dim * sizeof *view.basis);
            made.basis_norm = hfy_index_basis_norm_(view.basis, made.prefix, dim);
            hfy_index_fill_prefix_(&b, &made, mean_square, &view);
        }
        made.seal = hfy_index_seal_(&made);
        *index = made;
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_index_check(const hfy_index *index, const hfy_real *keys, size_t count, size_t dim,
                                   size_t key_stride, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_status status = HFY_OK;
    size_t stride = key_stride ? key_stride : dim;
    if (!index || !keys)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !index ? "index" : "keys");
    else if (stride < dim)
        status =
            hfy_base_fail_(w, HFY_ERR_ARG, "key_stride is %z; it should be 0 or at least dim, %z", key_stride, dim);
    else
        status = hfy_index_matches_(index, keys, count, dim, stride, w);
    if (!status && index->fingerprint != hfy_index_hash_keys_(keys, count, dim, stride))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "keys have changed since the index was built: build it again");
    if (!status && index->seal != hfy_index_seal_(index))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "index->data or a member has changed since it was built");
    return hfy_base_close_(w, &local, status);
}

/* --- search --- */

/* What the queries of a call share. */
typedef struct hfy_index_seek_ {
    const hfy_index *index;
    hfy_index_view_ view;
    const hfy_simd_ *simd;
    const hfy_simd_int8_ *int8;
    const hfy_real *keys;
    size_t key_stride;
    double beta;  /* > 0 */
    double width; /* >= 0: how far below the kth best theta a candidate may lie */
    size_t kth;   /* >= 1 */
} hfy_index_seek_;

/* A query of a batch while the tiles pass. */
typedef struct hfy_index_one_ {
    hfy_simd_bound_ bound;
    double about;  /* the bound's slack that is not in row constants */
    double middle; /* the bound's shift without it */
    hfy_index_power_ unit;
    double top;                  /* the kth best lower bound of theta */
    double best[HFY_INDEX_FEW_]; /* the best of them, descending */
    size_t count;                /* of its list; SIZE_MAX: to be sought alone */
    const hfy_real *bias;
    size_t visible;
} hfy_index_one_;

/* What one worker works in. */
typedef struct hfy_index_scratch_ {
    double *q;                 /* dim: the query, scaled */
    int16_t *whole;            /* dim, padded */
    unsigned char *high, *low; /* dim, padded */
    hfy_real *upper;           /* count: upper bounds of theta */
    double *select;            /* count, kth > FEW only */
    double *dots;              /* CHUNK */
    hfy_real *off, *y;         /* dim, prefix: the query beside the directions and along them */
    /* batches */
    int32_t *panel; /* the queries of a batch in groups */
    void *tile;     /* packed rows */
    int32_t *out;   /* GROUP x TILE */
    hfy_index_one_ *one;
    uint32_t *listed; /* batch x LIST: rows, ascending */
    hfy_real *above;  /* batch x LIST: their upper bounds */
} hfy_index_scratch_;

/* kth: of the searches to come; batch: queries of a scan at most. 4 bytes a key (double: 8), 8 more for kth above 8; a
   query of a batch takes 16 KiB (24) and 2 dim bytes. */
HFY_PRIVATE_ void hfy_index_plan_(hfy_base_arena_ *arena, const hfy_index *index, size_t kth, size_t batch,
                                  hfy_index_scratch_ *s)
{
    size_t padded = (index->dim + 2 * HFY_SIMD_PAD_ - 1) & ~(size_t)(HFY_SIMD_PAD_ - 1), shared;
    if (batch < HFY_INDEX_BATCH_ || kth > HFY_INDEX_FEW_ || index->dim > HFY_SIMD_SEGMENT_) batch = 0;
    shared = (batch + HFY_SIMD_GROUP_ - 1) / HFY_SIMD_GROUP_ * HFY_SIMD_GROUP_;
    s->q = (double *)hfy_base_take_(arena, index->dim, sizeof(double));
    s->whole = (int16_t *)hfy_base_take_(arena, padded, sizeof(int16_t));
    s->high = (unsigned char *)hfy_base_take_(arena, padded, 1);
    s->low = (unsigned char *)hfy_base_take_(arena, padded, 1);
    s->upper = (hfy_real *)hfy_base_take_(arena, index->count, sizeof(hfy_real));
    s->select = (double *)hfy_base_take_(arena, kth > HFY_INDEX_FEW_ ? index->count : 0, sizeof(double));
    s->dots = (double *)hfy_base_take_(arena, HFY_INDEX_CHUNK_, sizeof(double));
    s->off = (hfy_real *)hfy_base_take_(arena, index->prefix ? index->dim : 0, sizeof(hfy_real));
    s->y = (hfy_real *)hfy_base_take_(arena, index->prefix, sizeof(hfy_real));
    s->panel = (int32_t *)hfy_base_take_(arena, hfy_base_times_(shared, padded / 2), sizeof(int32_t));
    s->tile = hfy_base_take_(arena, shared ? padded : 0, HFY_SIMD_TILE_ * 2);
    s->out = (int32_t *)hfy_base_take_(arena, shared ? HFY_SIMD_GROUP_ * HFY_SIMD_TILE_ : 0, sizeof(int32_t));
    s->one = (hfy_index_one_ *)hfy_base_take_(arena, shared, sizeof(hfy_index_one_));
    s->listed = (uint32_t *)hfy_base_take_(arena, hfy_base_times_(shared, HFY_INDEX_LIST_), sizeof(uint32_t));
    s->above = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(shared, HFY_INDEX_LIST_), sizeof(hfy_real));
}

/* Starts a search over the keys of an index that belongs to them. */
HFY_PRIVATE_ hfy_status hfy_index_begin_(const hfy_index *index, const hfy_simd_ *simd, const hfy_real *keys,
                                         size_t count, size_t dim, size_t key_stride, double beta, double width,
                                         size_t kth, hfy_index_seek_ *seek, hfy_work *work)
{
    hfy_status status = hfy_index_matches_(index, keys, count, dim, key_stride, work);
    if (status) return status;
    seek->index = index;
    seek->view = hfy_index_view_of_(index);
    seek->simd = simd;
    seek->int8 = hfy_simd_int8_of_(simd->isa);
    seek->keys = keys;
    seek->key_stride = key_stride;
    seek->beta = beta;
    seek->width = width;
    seek->kth = kth;
    return HFY_OK;
}

/* theta of a score, as the full scan makes it: monotone in the score. */
HFY_PRIVATE_ hfy_real hfy_index_theta_(double beta, double score, const hfy_real *bias, size_t i)
{
    hfy_real theta = (hfy_real)(beta * score);
    if (!bias) return theta;
    return hfy_base_is_neg_inf_((double)bias[i]) ? bias[i] : theta + bias[i];
}

/* Can a row with this theta (or one below) be a candidate while the kth best is at least top? */
HFY_PRIVATE_ int hfy_index_matters_(double top, double width, double theta)
{
    double d = top - theta;
    return d < width || !(d > 0);
}

/* Scores n rows from `row` on by the canonical dot. */
HFY_PRIVATE_ void hfy_index_score_(const hfy_index_seek_ *seek, const hfy_real *q, const hfy_real *bias, size_t row,
                                   size_t n, double *theta)
{
    hfy_real score[64];
    size_t i, at;
    for (at = 0; at < n; at += 64) {
        size_t now = hfy_base_min_(64, n - at), dim = seek->index->dim;
        seek->simd->dot(seek->keys + (row + at) * seek->key_stride, seek->key_stride, now, q, dim, 1, dim, score, now);
        for (i = 0; i < now; i++)
            theta[at + i] = (double)hfy_index_theta_(seek->beta, (double)score[i], bias, row + at + i);
    }
}

/* The query times 2^-exponent into s->q, its largest element then in [1/2, 1); 0: not finite. */
HFY_PRIVATE_ int hfy_index_scale_(const hfy_real *q, size_t dim, int *exponent, double *norm, double *out)
{
    hfy_index_power_ unit;
    double largest = 0, squares = 0;
    size_t d;
    int bad = 0;
    for (d = 0; d < dim; d++) {
        double v = fabs((double)q[d]);
        bad |= !hfy_base_is_finite_(v);
        largest = v > largest ? v : largest;
    }
    if (bad) return 0;
    *exponent = 0;
    if (largest > 0) (void)frexp(largest, exponent);
    unit = hfy_index_power_of_(-*exponent);
    for (d = 0; d < dim; d++) {
        out[d] = (double)q[d] * unit.a * unit.b;
        squares += out[d] * out[d];
    }
    *norm = hfy_index_norm_(squares, dim);
    return 1;
}

/* The most steps on either side of 0 whose dots fit in 32 bits. */
HFY_PRIVATE_ double hfy_index_levels_(const hfy_simd_int8_ *int8, size_t dim)
{
    double most = floor(2147483647.0 / (128.0 * (double)hfy_base_min_(dim, HFY_SIMD_SEGMENT_)));
    return int8->planes || most > 32767 ? 32767 : most;
}

/* v ~ step * whole numbers; returns step. */
HFY_PRIVATE_ double hfy_index_widen_(const hfy_simd_int8_ *int8, const double *v, size_t n, hfy_index_scratch_ *s,
                                     hfy_simd_wide_ *wide)
{
    double largest = 0, levels = hfy_index_levels_(int8, n), step, inverse;
    size_t d, padded = (n + 2 * HFY_SIMD_PAD_ - 1) & ~(size_t)(HFY_SIMD_PAD_ - 1);
    for (d = 0; d < n; d++) largest = fabs(v[d]) > largest ? fabs(v[d]) : largest;
    step = largest > 1e-60 ? largest / levels : 0;
    inverse = step > 0 ? 1 / step : 0;
    for (d = 0; d < n; d++) {
        double t = v[d] * inverse;
        int k = (int)(t < 0 ? t - 0.5 : t + 0.5);
        if ((double)k > levels) k = (int)levels;
        if ((double)k < -levels) k = -(int)levels;
        s->whole[d] = (int16_t)k;
    }
    memset(s->whole + n, 0, (padded - n) * sizeof *s->whole);
    if (int8->planes) {
        for (d = 0; d < n; d++) {
            unsigned u = (unsigned)((int)s->whole[d] + 32768);
            s->high[d] = (unsigned char)(u >> 8);
            s->low[d] = (unsigned char)(u & 255);
        }
        memset(s->high + n, 0, padded - n);
        memset(s->low + n, 0, padded - n);
    }
    wide->dim = n, wide->whole = s->whole, wide->high = s->high, wide->low = s->low;
    return step;
}

/* For q^ = step * whole: middle = m.(q - q^), how far that may be off (about), and rest >= |q - q^|. */
HFY_PRIVATE_ void hfy_index_rest_(const hfy_index_seek_ *seek, double step, const int16_t *whole, double norm,
                                  const double *q, double *middle, double *about, double *rest)
{
    size_t d, dim = seek->index->dim;
    double squares = 0, along = 0, m = seek->index->mean_norm;
    for (d = 0; d < dim; d++) {
        double r = q[d] - step * (double)whole[d];
        squares += r * r;
        along += (double)seek->view.mean[d] * r;
    }
    *rest = hfy_index_norm_(squares, dim) + 8 * DBL_EPSILON * norm;
    *middle = along;
    *about = m * (8 * DBL_EPSILON * norm + ((double)dim + 8) * DBL_EPSILON * *rest);
    *rest *= 1 + 1e-13;
}

/* Does the canonical dot stay in range for every row, and is its underflow of no weight? *about: the underflow. */
HFY_PRIVATE_ int hfy_index_in_range_(const hfy_index_seek_ *seek, double norm, int exponent, double *about)
{
    int both = seek->index->exponent + exponent;
    *about = ldexp(4 * ((double)seek->index->dim + 64) * HFY_INDEX_MIN_, -both);
    return ldexp(seek->index->largest * norm, both) <= HFY_REAL_MAX_ / 4 && *about < 1e9;
}

/* How a level of the index bounds a row: dot scale step + a A + b B + c C + shift. */
typedef struct hfy_index_level_ {
    const signed char *rows;
    size_t stride;
    const float *scale, *a, *b, *c; /* c: the prefix's v */
    const int32_t *sum;
    hfy_simd_wide_ q;
    double step, A, B, C, shift, planes;
    hfy_index_power_ unit;
} hfy_index_level_;

HFY_PRIVATE_ hfy_real hfy_index_bound_(const hfy_index_seek_ *seek, const hfy_index_level_ *l, double dot,
                                       const hfy_real *bias, size_t i)
{
    double up = (dot - l->planes * (double)l->sum[i]) * (double)l->scale[i] * l->step +
                ((double)l->a[i] * l->A + ((double)l->b[i] * l->B + l->shift));
    if (l->c) up += (double)l->c[i] * l->C;
    return hfy_index_theta_(seek->beta, up * l->unit.a * l->unit.b, bias, i);
}

/* Upper bounds of all rows below n. */
HFY_PRIVATE_ void hfy_index_bound_all_(const hfy_index_seek_ *seek, const hfy_index_level_ *l, const hfy_real *bias,
                                       size_t n, hfy_index_scratch_ *s)
{
    size_t from, i, now;
    for (from = 0; from < n; from += now) {
        now = hfy_base_min_(HFY_INDEX_CHUNK_, n - from);
        seek->int8->dot(l->rows + from * l->stride, l->stride, NULL, now, &l->q, s->dots);
        for (i = 0; i < now; i++) s->upper[from + i] = hfy_index_bound_(seek, l, s->dots[i], bias, from + i);
    }
}

/* Lowers the upper bounds of the listed rows. */
HFY_PRIVATE_ void hfy_index_bound_list_(const hfy_index_seek_ *seek, const hfy_index_level_ *l, const hfy_real *bias,
                                        const size_t *list, size_t n, hfy_index_scratch_ *s)
{
    size_t from, i, now;
    for (from = 0; from < n; from += now) {
        now = hfy_base_min_(HFY_INDEX_CHUNK_, n - from);
        seek->int8->dot(l->rows, l->stride, list + from, now, &l->q, s->dots);
        for (i = 0; i < now; i++) {
            hfy_real up = hfy_index_bound_(seek, l, s->dots[i], bias, list[from + i]);
            if (up < s->upper[from + i]) s->upper[from + i] = up;
        }
    }
}

HFY_PRIVATE_ void hfy_index_level_rows_(const hfy_index_seek_ *seek, double norm, double about, int exponent,
                                        hfy_index_scratch_ *s, hfy_index_level_ *l)
{
    double middle, off, rest;
    memset(l, 0, sizeof *l);
    l->rows = seek->view.rows, l->stride = seek->index->dim;
    l->scale = seek->view.scale, l->a = seek->view.error, l->b = seek->view.spread, l->sum = seek->view.sum;
    l->step = hfy_index_widen_(seek->int8, s->q, seek->index->dim, s, &l->q);
    hfy_index_rest_(seek, l->step, s->whole, norm, s->q, &middle, &off, &rest);
    l->A = norm * (1 + 1e-13), l->B = rest;
    l->shift = middle + off + about;
    l->planes = seek->int8->planes ? 32768 : 0;
    l->unit = hfy_index_power_of_(seek->index->exponent + exponent);
}

HFY_PRIVATE_ void hfy_index_level_prefix_(const hfy_index_seek_ *seek, double norm, double about, int exponent,
                                          hfy_index_scratch_ *s, hfy_index_level_ *l)
{
    const hfy_index *index = seek->index;
    const hfy_index_view_ *v = &seek->view;
    size_t d, k, dim = index->dim, r = index->prefix;
    double m = index->mean_norm, along = 0, factor, moved, size = 0, squares = 0, leak = 0;
    double frobenius = index->basis_norm * sqrt((double)r) * (1 + 1e-12);
    memset(l, 0, sizeof *l);
    for (d = 0; d < dim; d++) along += (double)v->mean[d] * s->q[d];
    factor = m > 0 ? along / (m * m) : 0;
    for (d = 0; d < dim; d++) s->off[d] = (hfy_real)(s->q[d] - factor * (double)v->mean[d]);
    seek->simd->dot(v->basis, dim, r, s->off, dim, 1, dim, s->y, r);
    { /* whole numbers of y, straight from hfy_real */
        double largest = 0, levels = hfy_index_levels_(seek->int8, r), inverse;
        size_t padded = (r + 2 * HFY_SIMD_PAD_ - 1) & ~(size_t)(HFY_SIMD_PAD_ - 1);
        for (k = 0; k < r; k++) largest = fabs((double)s->y[k]) > largest ? fabs((double)s->y[k]) : largest;
        l->step = largest > 1e-30 ? largest / levels : 0;
        inverse = l->step > 0 ? 1 / l->step : 0;
        for (k = 0; k < r; k++) {
            double t = (double)s->y[k] * inverse;
            int whole = (int)(t < 0 ? t - 0.5 : t + 0.5);
            if ((double)whole > levels) whole = (int)levels;
            if ((double)whole < -levels) whole = -(int)levels;
            s->whole[k] = (int16_t)whole;
            size += l->step * whole * (l->step * whole);
            s->y[k] = (hfy_real)(-l->step * whole);
            s->high[k] = (unsigned char)((unsigned)(whole + 32768) >> 8);
            s->low[k] = (unsigned char)((unsigned)(whole + 32768) & 255);
        }
        memset(s->whole + r, 0, (padded - r) * sizeof *s->whole);
        memset(s->high + r, 0, padded - r);
        memset(s->low + r, 0, padded - r);
    }
    size = hfy_index_norm_(size, r);
    moved = 2.1 * HFY_REAL_EPS_ * norm + (2 * (double)r + 4) * HFY_REAL_EPS_ * (2.1 * norm + size * frobenius) +
            HFY_INDEX_TINY_;
    seek->simd->combine(s->y, r, 1, v->basis, dim, r, dim, s->off, dim);
    for (d = 0; d < dim; d++) squares += (double)s->off[d] * (double)s->off[d];
    squares = hfy_index_norm_(squares, dim);
    seek->simd->dot(v->basis, dim, r, s->off, dim, 1, dim, s->y, r);
    for (k = 0; k < r; k++) leak += (double)s->y[k] * (double)s->y[k];
    leak = hfy_index_norm_(leak, r) + hfy_index_slack_(dim) * frobenius * squares + index->basis_norm * moved +
           HFY_INDEX_TINY_;
    leak /= HFY_INDEX_SPEC_;
    l->rows = v->coef, l->stride = r;
    l->scale = v->c_scale, l->a = v->c_error, l->b = v->c_rest, l->c = v->c_mean, l->sum = v->c_sum;
    l->q.dim = r, l->q.whole = s->whole, l->q.high = s->high, l->q.low = s->low;
    l->A = size > leak ? size : leak;
    if (norm / 16 > l->A) l->A = norm / 16;
    l->A *= 1 + 1e-12;
    l->B = (squares + moved) * (1 + 1e-12);
    l->C = along;
    l->shift = about;
    l->planes = seek->int8->planes ? 32768 : 0;
    l->unit = hfy_index_power_of_(index->exponent + exponent);
}

/* A lower bound of the kth best theta: exact scores of the rows that promise most. rows NULL: rows 0 .. n-1. */
HFY_PRIVATE_ double hfy_index_first_(const hfy_index_seek_ *seek, const hfy_real *q, const hfy_real *bias,
                                     const size_t *rows, size_t n, hfy_index_scratch_ *s)
{
    size_t i, j, m = 0;
    double theta;
    if (seek->kth <= HFY_INDEX_FEW_) {
        hfy_real best[HFY_INDEX_FEW_], least = (hfy_real)-HUGE_VAL;
        size_t place[HFY_INDEX_FEW_];
        double exact[HFY_INDEX_FEW_];
        for (i = 0; i < n; i++) {
            hfy_real u = s->upper[i];
            if (!(u > least)) continue;
            j = m < HFY_INDEX_FEW_ ? m++ : HFY_INDEX_FEW_ - 1;
            for (; j && u > best[j - 1]; j--) best[j] = best[j - 1], place[j] = place[j - 1];
            best[j] = u, place[j] = rows ? rows[i] : i;
            if (m == HFY_INDEX_FEW_) least = best[m - 1];
        }
        for (i = j = 0; i < m; i++) {
            hfy_index_score_(seek, q, bias, place[i], 1, &theta);
            if (!hfy_base_is_nan_(theta)) exact[j++] = theta;
        }
        return j < seek->kth ? -HUGE_VAL : hfy_base_kth_largest_(exact, j, seek->kth);
    }
    for (i = 0; i < n; i++)
        if (s->upper[i] > (hfy_real)-HUGE_VAL) s->select[m++] = (double)s->upper[i];
    if (m < seek->kth) return -HUGE_VAL;
    theta = hfy_base_kth_largest_(s->select, m, seek->kth);
    for (i = m = 0; i < n; i++) {
        double exact;
        if (!((double)s->upper[i] >= theta)) continue;
        hfy_index_score_(seek, q, bias, rows ? rows[i] : i, 1, &exact);
        if (!hfy_base_is_nan_(exact)) s->select[m++] = exact;
    }
    return m < seek->kth ? -HUGE_VAL : hfy_base_kth_largest_(s->select, m, seek->kth);
}

/* Keeps of n candidates with exact thetas those that the full scan keeps. */
HFY_PRIVATE_ hfy_status hfy_index_last_(const hfy_index_seek_ *seek, size_t n, size_t *index, double *theta,
                                        size_t *count, hfy_index_scratch_ *s)
{
    size_t i, kept = 0;
    double top = -HUGE_VAL;
    if (seek->kth > 1) {
        double few[HFY_INDEX_FEW_];
        size_t m = 0;
        for (i = 0; i < n; i++) {
            if (hfy_base_is_nan_(theta[i])) continue;
            if (seek->kth > HFY_INDEX_FEW_) {
                s->select[m++] = theta[i];
            } else if (m < seek->kth || theta[i] > few[m - 1]) {
                size_t j = m < seek->kth ? m++ : m - 1;
                for (; j && theta[i] > few[j - 1]; j--) few[j] = few[j - 1];
                few[j] = theta[i];
            }
        }
        if (m >= seek->kth)
            top = seek->kth > HFY_INDEX_FEW_ ? hfy_base_kth_largest_(s->select, m, seek->kth) : few[m - 1];
    } else {
        for (i = 0; i < n; i++) top = theta[i] > top ? theta[i] : top;
    }
    for (i = 0; i < n; i++) {
        if (hfy_base_is_nan_(theta[i]) || hfy_base_is_pos_inf_(theta[i])) return HFY_ERR_NONFINITE;
        if (hfy_base_is_neg_inf_(theta[i]) || !hfy_index_matters_(top, seek->width, theta[i])) continue;
        index[kept] = index[i];
        theta[kept++] = theta[i];
    }
    *count = kept;
    return kept ? HFY_OK : HFY_ERR_ARG;
}

/* From listed rows (ascending) with their upper bounds in s->upper to the candidates. */
HFY_PRIVATE_ hfy_status hfy_index_finish_(const hfy_index_seek_ *seek, const hfy_real *q, const hfy_real *bias,
                                          size_t n, double top, size_t *index, double *theta, size_t *count,
                                          hfy_index_scratch_ *s)
{
    size_t i, l, run, kept = 0;
    if (n > HFY_INDEX_FEW_) {
        double better = hfy_index_first_(seek, q, bias, index, n, s);
        if (better > top) top = better;
    }
    for (i = 0; i < n; i += run) {
        run = 1;
        if (!hfy_index_matters_(top, seek->width, (double)s->upper[i])) continue;
        while (i + run < n && run < 64 && index[i + run] == index[i] + run &&
               hfy_index_matters_(top, seek->width, (double)s->upper[i + run]))
            run++;
        hfy_index_score_(seek, q, bias, index[i], run, theta + kept);
        for (l = 0; l < run; l++, kept++) {
            index[kept] = index[i + l];
            if (seek->kth == 1 && theta[kept] > top) top = theta[kept];
        }
    }
    return hfy_index_last_(seek, kept, index, theta, count, s);
}

/* Lists the rows below n whose upper bound can still matter; upper bounds move along. */
HFY_PRIVATE_ size_t hfy_index_list_(const hfy_index_seek_ *seek, double top, size_t n, size_t *index,
                                    hfy_index_scratch_ *s)
{
    size_t i, kept = 0;
    for (i = 0; i < n; i++) {
        hfy_real u = s->upper[i];
        if (!hfy_index_matters_(top, seek->width, (double)u) || hfy_base_is_neg_inf_((double)u)) continue;
        index[kept] = i;
        s->upper[kept++] = u;
    }
    return kept;
}

/* One query: the candidates of the full scan, ascending, with theta as the full scan has it (values of hfy_real).
   q: dim; bias: count, or NULL; visible: rows below it exist. index, theta: room for count.
   NONFINITE: NaN or +infinity in theta; ARG: no theta above -infinity; *count is untouched then. */
HFY_PRIVATE_ hfy_status hfy_index_candidates_(const hfy_index_seek_ *seek, const hfy_real *q, const hfy_real *bias,
                                              size_t visible, size_t *index, double *theta, size_t *count,
                                              hfy_index_scratch_ *s)
{
    const hfy_index *ix = seek->index;
    hfy_index_level_ level;
    double norm, about, top;
    int exponent;
    size_t i, n = hfy_base_min_(visible, ix->count), listed;
    if (!hfy_index_scale_(q, ix->dim, &exponent, &norm, s->q) || !hfy_index_in_range_(seek, norm, exponent, &about)) {
        for (i = 0; i < n; i++) index[i] = i;
        hfy_index_score_(seek, q, bias, 0, n, theta);
        return hfy_index_last_(seek, n, index, theta, count, s);
    }
    if (ix->prefix) {
        hfy_index_level_prefix_(seek, norm, about, exponent, s, &level);
        hfy_index_bound_all_(seek, &level, bias, n, s);
        top = hfy_index_first_(seek, q, bias, NULL, n, s);
        for (i = listed = 0; i < n; i++)
            if (hfy_index_matters_(top, seek->width, (double)s->upper[i])) listed++;
        hfy_index_level_rows_(seek, norm, about, exponent, s, &level);
        if (listed <= n / 4) {
            listed = hfy_index_list_(seek, top, n, index, s);
            if (listed > 4 * HFY_INDEX_FEW_) hfy_index_bound_list_(seek, &level, bias, index, listed, s);
            return hfy_index_finish_(seek, q, bias, listed, top, index, theta, count, s);
        }
        hfy_index_bound_all_(seek, &level, bias, n, s);
    } else {
        hfy_index_level_rows_(seek, norm, about, exponent, s, &level);
        hfy_index_bound_all_(seek, &level, bias, n, s);
        top = -HUGE_VAL;
    }
    {
        double better = hfy_index_first_(seek, q, bias, NULL, n, s);
        if (better > top) top = better;
    }
    listed = hfy_index_list_(seek, top, n, index, s);
    return hfy_index_finish_(seek, q, bias, listed, top, index, theta, count, s);
}

/* --- batches --- */

/* A score below which no theta matters any more while the kth best is at least top; no bias. Verified, so that its own
   rounding cannot do harm. */
HFY_PRIVATE_ double hfy_index_least_(const hfy_index_seek_ *seek, const hfy_index_one_ *one)
{
    double goal = (one->top - seek->width) / seek->beta,
           slack = 4 * HFY_REAL_EPS_ * (fabs(one->top) + seek->width) / seek->beta;
    int tries;
    if (!hfy_base_is_finite_(goal)) return -HUGE_VAL;
    for (tries = 0; tries < 8; tries++, slack *= 8) {
        double least = (goal - slack) / one->unit.a / one->unit.b;
        double theta = (double)hfy_index_theta_(seek->beta, least * one->unit.a * one->unit.b, NULL, 0);
        if (hfy_base_is_finite_(least) && !hfy_index_matters_(one->top, seek->width, theta)) return least;
    }
    return -HUGE_VAL;
}

/* A lower bound of one more row's theta: may raise the bar. */
HFY_PRIVATE_ void hfy_index_raise_(const hfy_index_seek_ *seek, hfy_index_one_ *one, double theta)
{
    size_t k = seek->kth, j;
    if (!(theta > one->best[k - 1])) return;
    for (j = k - 1; j && theta > one->best[j - 1]; j--) one->best[j] = one->best[j - 1];
    one->best[j] = theta;
    if (one->best[k - 1] > one->top) {
        one->top = one->best[k - 1];
        if (!one->bias) one->bound.least = hfy_index_least_(seek, one);
    }
}

/* Takes in the rows of a tile that passed. */
HFY_PRIVATE_ void hfy_index_hits_(const hfy_index_seek_ *seek, hfy_index_one_ *one, uint32_t mask, const int32_t *dots,
                                  size_t from, uint32_t *listed, hfy_real *above)
{
    const hfy_index_view_ *v = &seek->view;
    size_t i, l, kept;
    for (i = 0; mask; i++, mask >>= 1) {
        size_t row = from + i;
        double middle, reach;
        hfy_real up;
        if (!(mask & 1)) continue;
        middle = (double)(dots[i] - one->bound.offset) * (double)v->scale[row] * one->bound.scale + one->middle;
        reach = (double)v->error[row] * one->bound.near + (double)v->spread[row] * one->bound.rest + one->about;
        up = hfy_index_theta_(seek->beta, (middle + reach) * one->unit.a * one->unit.b, one->bias, row);
        if (!hfy_index_matters_(one->top, seek->width, (double)up) || hfy_base_is_neg_inf_((double)up)) continue;
        if (one->count == HFY_INDEX_LIST_) {
            for (l = kept = 0; l < one->count; l++)
                if (hfy_index_matters_(one->top, seek->width, (double)above[l])) {
                    listed[kept] = listed[l];
                    above[kept++] = above[l];
                }
            one->count = kept;
            if (kept > HFY_INDEX_LIST_ / 4 * 3) {
                one->count = SIZE_MAX;
                one->bound.least = HUGE_VAL;
                return;
            }
        }
        listed[one->count] = (uint32_t)row;
        above[one->count++] = up;
        hfy_index_raise_(
            seek, one,
            (double)hfy_index_theta_(seek->beta, (middle - reach) * one->unit.a * one->unit.b, one->bias, row));
    }
}

/* Makes query j of a batch ready: its words in the panel, its bound. */
HFY_PRIVATE_ void hfy_index_enter_(const hfy_index_seek_ *seek, const hfy_real *q, const hfy_real *bias, size_t visible,
                                   size_t j, size_t words, hfy_index_scratch_ *s)
{
    hfy_index_one_ *one = s->one + j;
    const hfy_simd_int8_ *int8 = seek->int8;
    size_t d, dim = seek->index->dim, w;
    int32_t *panel = s->panel + j / HFY_SIMD_GROUP_ * HFY_SIMD_GROUP_ * words + j % HFY_SIMD_GROUP_, sum = 0;
    double norm, about, middle, off, rest, largest = 0, step, inverse;
    int exponent, k;
    memset(one, 0, sizeof *one);
    for (w = 0; w < words; w++) panel[w * HFY_SIMD_GROUP_] = 0;
    one->count = SIZE_MAX;
    one->bound.least = HUGE_VAL;
    if (!q || !hfy_index_scale_(q, dim, &exponent, &norm, s->q) || !hfy_index_in_range_(seek, norm, exponent, &about))
        return;
    for (d = 0; d < dim; d++) largest = fabs(s->q[d]) > largest ? fabs(s->q[d]) : largest;
    step = largest / 127;
    inverse = step > 0 ? 1 / step : 0;
    for (d = 0; d < dim; d++) {
        double t = s->q[d] * inverse;
        k = (int)(t < 0 ? t - 0.5 : t + 0.5);
        s->whole[d] = (int16_t)(k > 127 ? 127 : k < -127 ? -127 : k);
        sum += s->whole[d];
    }
    for (w = 0; w < words; w++) {
        signed char byte[4] = {0, 0, 0, 0};
        int16_t pair[2] = {0, 0};
        for (d = 0; d < int8->step && w * int8->step + d < dim; d++) {
            int16_t whole = s->whole[w * int8->step + d];
            if (int8->step == 4)
                byte[d] = (signed char)whole;
            else
                pair[d] = whole;
        }
        if (int8->step == 4)
            memcpy(panel + w * HFY_SIMD_GROUP_, byte, 4);
        else
            memcpy(panel + w * HFY_SIMD_GROUP_, pair, 4);
    }
    hfy_index_rest_(seek, step, s->whole, norm, s->q, &middle, &off, &rest);
    one->count = 0;
    one->middle = middle, one->about = off + about;
    one->bound.scale = step, one->bound.shift = middle + one->about, one->bound.near = norm * (1 + 1e-13),
    one->bound.rest = rest;
    one->bound.offset = sum * int8->offset;
    one->bound.least = -HUGE_VAL;
    one->unit = hfy_index_power_of_(seek->index->exponent + exponent);
    one->top = -HUGE_VAL;
    for (k = 0; k < HFY_INDEX_FEW_; k++) one->best[k] = -HUGE_VAL;
    one->bias = bias;
    one->visible = hfy_base_min_(visible, seek->index->count);
}

/* How many queries a scan takes in one go: 0 if they are better sought alone. */
HFY_PRIVATE_ int hfy_index_shares_(const hfy_index_seek_ *seek, size_t nq)
{
    return nq >= HFY_INDEX_BATCH_ && seek->kth <= HFY_INDEX_FEW_ && seek->index->dim <= HFY_SIMD_SEGMENT_;
}

/* One pass over the rows for nq queries standing one after another (nq at most what hfy_index_plan_ was told): lists
   what hfy_index_take_ then scores, query by query. who: which bias and visible are theirs (bias_stride apart). */
HFY_PRIVATE_ void hfy_index_scan_(const hfy_index_seek_ *seek, const hfy_real *q, size_t nq, const size_t *who,
                                  const hfy_real *bias, size_t bias_stride, const size_t *visible,
                                  hfy_index_scratch_ *s)
{
    const hfy_index_view_ *v = &seek->view;
    const hfy_simd_int8_ *int8 = seek->int8;
    size_t dim = seek->index->dim, words = (dim + int8->step - 1) / int8->step, from, j, l, n, limit = 0;
    size_t shared = (nq + HFY_SIMD_GROUP_ - 1) / HFY_SIMD_GROUP_ * HFY_SIMD_GROUP_;
    if (!hfy_index_shares_(seek, nq)) return;
    for (j = 0; j < shared; j++) {
        size_t rows = visible && j < nq ? visible[who[j]] : seek->index->count;
        hfy_index_enter_(seek, j < nq ? q + j * dim : NULL, j < nq && bias ? bias + who[j] * bias_stride : NULL, rows,
                         j, words, s);
        if (s->one[j].count != SIZE_MAX && s->one[j].visible > limit) limit = s->one[j].visible;
    }
    for (from = 0; from < limit; from += n) {
        n = hfy_base_min_(int8->rows, limit - from);
        int8->pack(v->rows + from * dim, dim, n, dim, s->tile);
        for (j = 0; j < nq; j += HFY_SIMD_GROUP_) {
            int8->tile(s->tile, s->panel + j * words, words, s->out);
            for (l = j; l < nq && l < j + HFY_SIMD_GROUP_; l++) {
                hfy_index_one_ *one = s->one + l;
                const int32_t *dots = s->out + (l - j) * int8->rows;
                size_t rows;
                uint32_t mask;
                if (one->count == SIZE_MAX || from >= one->visible) continue;
                rows = hfy_base_min_(n, one->visible - from);
                if (one->bias)
                    mask = rows < 32 ? ((uint32_t)1 << rows) - 1 : ~(uint32_t)0;
                else
                    mask = int8->pass(dots, v->scale + from, v->error + from, v->spread + from, rows, &one->bound);
                if (mask)
                    hfy_index_hits_(seek, one, mask, dots, from, s->listed + l * HFY_INDEX_LIST_,
                                    s->above + l * HFY_INDEX_LIST_);
            }
        }
    }
}

/* Query j of the last scan of nq queries (or one alone: nq 1), as hfy_index_candidates_. q: its own. */
HFY_PRIVATE_ hfy_status hfy_index_take_(const hfy_index_seek_ *seek, size_t nq, size_t j, const hfy_real *q,
                                        const hfy_real *bias, size_t visible, size_t *index, double *theta,
                                        size_t *count, hfy_index_scratch_ *s)
{
    const hfy_index_one_ *one = s->one + j;
    size_t l, kept = 0;
    if (!hfy_index_shares_(seek, nq) || one->count == SIZE_MAX)
        return hfy_index_candidates_(seek, q, bias, visible, index, theta, count, s);
    for (l = 0; l < one->count; l++) {
        hfy_real up = s->above[j * HFY_INDEX_LIST_ + l];
        if (!hfy_index_matters_(one->top, seek->width, (double)up)) continue;
        index[kept] = s->listed[j * HFY_INDEX_LIST_ + l];
        s->upper[kept++] = up;
    }
    return hfy_index_finish_(seek, q, bias, kept, one->top, index, theta, count, s);
}

#undef HFY_INDEX_FORMAT_
#undef HFY_INDEX_CHUNK_
#undef HFY_INDEX_FEW_
#undef HFY_INDEX_BATCH_
#undef HFY_INDEX_LIST_
#undef HFY_INDEX_BUILD_
#undef HFY_INDEX_SAMPLES_
#undef HFY_INDEX_ROUNDS_
#undef HFY_INDEX_ROOF_
#undef HFY_INDEX_TINY_
#undef HFY_INDEX_SPEC_
#undef HFY_INDEX_MIN_
#undef HFY_SIMD_SEGMENT_
#undef HFY_SIMD_GROUP_
#undef HFY_SIMD_PAD_
#undef HFY_SIMD_TILE_
#undef HFY_SIMD_INT8_X86_

/* ------------------------------------------------------------------------------------------------------------------
   >>sep.impl   from scores to weights: rows x n in, rows x n out
   May call: base, simd.
   Numerics: every threshold is solved in double and in distances from the maximum, d_i = max(theta) - theta_i, never
   in the scores themselves, so large scores lose nothing. Only scores within the margin can get weight: a row is
   first cut down to that window. Newton's method starts right of the root of a convex increasing function and walks
   down to it, dropping the entries that reach 0; they never come back. Jensen's inequality gives a start that is
   exact when all scores are equal.

   Where a solution stands:   list   index[0..count) ascending and weight[] in double: kinds with few nonzeros
                              fill   n weights in hfy_real: SOFTMAX, UNIFORM, IDENTITY, POWER, EXP, sums of kinds
   ------------------------------------------------------------------------------------------------------------------ */

/* The ways a row is solved: kinds with their special parameters told apart. */
typedef enum hfy_sep_method_ {
    HFY_SEP_BY_SOFTMAX_,  /* fill */
    HFY_SEP_BY_UNIFORM_,  /* fill */
    HFY_SEP_BY_IDENTITY_, /* fill */
    HFY_SEP_BY_POWER_,    /* fill */
    HFY_SEP_BY_EXP_,      /* fill; all below: list */
    HFY_SEP_BY_LINE_,     /* p = t - d: sparsemax */
    HFY_SEP_BY_SQUARE_,   /* p = (t - d/2)^2: 1.5-entmax */
    HFY_SEP_BY_TSALLIS_,  /* alpha-entmax, 0 < alpha < 2 */
    HFY_SEP_BY_STEEP_,    /* alpha-entmax, alpha > 2 */
    HFY_SEP_BY_CONE_,     /* p ~ t - d, |t - d|_2 = 1: 2-normmax */
    HFY_SEP_BY_NORM_,     /* gamma-normmax */
    HFY_SEP_BY_MAXNORM_,  /* gamma = infinity */
    HFY_SEP_BY_TIES_,     /* uniform over the exact maxima */
    HFY_SEP_BY_TOP_,      /* the k largest */
    HFY_SEP_BY_BOX_       /* projection onto {lower <= y <= upper, sum y = k} */
} hfy_sep_method_;

/* One row's arrays, and its solution as a list. */
typedef struct hfy_sep_scratch_ {
    const hfy_simd_ *simd;
    size_t *index;  /* n */
    double *weight; /* n: distances, then weights */
    double *sorted; /* n: where something is sorted or selected */
    double *low, *high; /* n: bounds of the entries that are not masked */
    double *power;  /* n: TSALLIS, NORM */
    double *sum;    /* n: `plus` */
    hfy_real *row;  /* n: a prediction of its own (`plus`, losses) */
    size_t count;   /* entries of the list */
    double top;     /* the largest score of the row */
} hfy_sep_scratch_;

HFY_PRIVATE_ int hfy_sep_has_bounds_(const hfy_sep *sep)
{
    return (sep->kind == HFY_SEP_SPARSEMAX || sep->kind == HFY_SEP_KSUBSETS) && (sep->upper || sep->lower);
}

/* The separation with its defaults filled in, without looking at ranges. */
HFY_PRIVATE_ hfy_sep hfy_sep_resolve_(const hfy_sep *sep)
{
    hfy_sep full = *sep;
    if (!(full.k > 0) && !(full.k < 0) && !hfy_base_is_nan_(full.k)) full.k = 1;
    if (!(full.alpha > 0) && !(full.alpha < 0) && !hfy_base_is_nan_(full.alpha)) full.alpha = 1.5;
    if (!(full.gamma > 0) && !(full.gamma < 0) && !hfy_base_is_nan_(full.gamma)) full.gamma = 2;
    if (!(full.degree > 0) && !(full.degree < 0) && !hfy_base_is_nan_(full.degree)) full.degree = 3;
    if (!(full.rho > 0) && !(full.rho < 0) && !hfy_base_is_nan_(full.rho)) full.rho = 1;
    if (full.kind == HFY_SEP_SPARSEMAX) full.k = 1, full.rho = 1; /* a box of sum 1 once it has bounds */
    return full;
}

HFY_PRIVATE_ hfy_sep_method_ hfy_sep_method_of_(const hfy_sep *full)
{
    switch (full->kind) {
    case HFY_SEP_SOFTMAX: return HFY_SEP_BY_SOFTMAX_;
    case HFY_SEP_SPARSEMAX: return hfy_sep_has_bounds_(full) ? HFY_SEP_BY_BOX_ : HFY_SEP_BY_LINE_;
    case HFY_SEP_ENTMAX:
        if (hfy_base_is_pos_inf_(full->alpha)) return HFY_SEP_BY_TIES_;
        if (full->alpha > 2) return HFY_SEP_BY_STEEP_;
        if (full->alpha < 2) {
            if (full->alpha < 1 || full->alpha > 1.5) return HFY_SEP_BY_TSALLIS_;
            return full->alpha < 1.5 ? (full->alpha > 1 ? HFY_SEP_BY_TSALLIS_ : HFY_SEP_BY_SOFTMAX_)
                                     : HFY_SEP_BY_SQUARE_;
        }
        return HFY_SEP_BY_LINE_;
    case HFY_SEP_NORMMAX:
        if (hfy_base_is_pos_inf_(full->gamma)) return HFY_SEP_BY_MAXNORM_;
        if (full->gamma > 2 || full->gamma < 2) return full->gamma > 1 ? HFY_SEP_BY_NORM_ : HFY_SEP_BY_TIES_;
        return HFY_SEP_BY_CONE_;
    case HFY_SEP_KSUBSETS: return HFY_SEP_BY_BOX_;
    case HFY_SEP_IDENTITY: return HFY_SEP_BY_IDENTITY_;
    case HFY_SEP_POWER: return HFY_SEP_BY_POWER_;
    case HFY_SEP_EXP: return HFY_SEP_BY_EXP_;
    case HFY_SEP_ARGMAX: return HFY_SEP_BY_TOP_;
    case HFY_SEP_UNIFORM: return HFY_SEP_BY_UNIFORM_;
    }
    return HFY_SEP_BY_UNIFORM_;
}

HFY_PRIVATE_ int hfy_sep_is_list_(const hfy_sep *full)
{
    return !full->plus && hfy_sep_method_of_(full) >= HFY_SEP_BY_LINE_;
}

/* Checks a separation for rows of n (and its chain of `plus`); `where` begins its members' names: "sep->". */
HFY_PRIVATE_ hfy_status hfy_sep_check_(const hfy_sep *sep, size_t rows, size_t n, const char *where, hfy_work *work)
{
    size_t links = 0;
    for (; sep; sep = sep->plus) {
        hfy_sep full = hfy_sep_resolve_(sep);
        if (++links > 64) return hfy_base_fail_(work, HFY_ERR_ARG, "%splus: a chain of more than 64, or a ring", where);
        if ((unsigned)full.kind > HFY_SEP_UNIFORM)
            return hfy_base_fail_(work, HFY_ERR_ARG, "%skind is %z; it should be one of hfy_sep_kind", where,
                                  (size_t)full.kind);
        if (full.kind == HFY_SEP_ENTMAX && !(full.alpha > 0))
            return hfy_base_fail_(work, HFY_ERR_ARG, "%salpha is %g; it should be above 0", where, full.alpha);
        if (full.kind == HFY_SEP_NORMMAX && !(full.gamma >= 1))
            return hfy_base_fail_(work, HFY_ERR_ARG, "%sgamma is %g; it should be at least 1", where, full.gamma);
        if (full.kind == HFY_SEP_POWER && !(full.degree > 1 && hfy_base_is_finite_(full.degree)))
            return hfy_base_fail_(work, HFY_ERR_ARG, "%sdegree is %g; it should be above 1 and finite", where,
                                  full.degree);
        if (full.kind == HFY_SEP_KSUBSETS && !(full.rho > 0 && hfy_base_is_finite_(full.rho)))
            return hfy_base_fail_(work, HFY_ERR_ARG, "%srho is %g; it should be above 0 and finite", where, full.rho);
        if (full.kind == HFY_SEP_KSUBSETS && !(full.k > 0 && full.k <= (double)n) && !full.upper)
            return hfy_base_fail_(work, HFY_ERR_ARG, "%sk is %g; it should be above 0 and at most n, %z", where, full.k,
                                  n);
        if (full.kind == HFY_SEP_KSUBSETS && !(full.k > 0 && hfy_base_is_finite_(full.k)))
            return hfy_base_fail_(work, HFY_ERR_ARG, "%sk is %g; it should be above 0 and finite", where, full.k);
        if (full.kind == HFY_SEP_ARGMAX && !(full.k >= 1 && full.k <= (double)n && !(floor(full.k) < full.k)))
            return hfy_base_fail_(work, HFY_ERR_ARG, "%sk is %g; it should be a whole number from 1 to n, %z", where,
                                  full.k, n);
        if (hfy_sep_has_bounds_(&full)) {
            size_t r, i, bound_rows = full.bound_stride ? rows : hfy_base_min_(rows, 1);
            if (full.bound_stride && full.bound_stride < n)
                return hfy_base_fail_(work, HFY_ERR_ARG, "%sbound_stride is %z; it should be 0 or at least n, %z",
                                      where, full.bound_stride, n);
            if (!hfy_base_fits_(bound_rows, full.bound_stride, sizeof(double)))
                return hfy_base_fail_(work, HFY_ERR_ARG, "%sbound_stride is %z: %z rows of it cannot exist", where,
                                      full.bound_stride, rows);
            for (r = 0; r < bound_rows; r++)
                for (i = 0; i < n; i++) {
                    size_t at = r * full.bound_stride + i;
                    double low = full.lower ? full.lower[at] : 0;
                    double high = full.upper ? full.upper[at] : full.kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VAL;
                    if (!(low >= 0 && low <= high && hfy_base_is_finite_(low)))
                        return hfy_base_fail_(
                            work, HFY_ERR_ARG,
                            "%sbounds: those of entry %z in row %z are %g and %g; 0 <= lower <= upper should hold",
                            where, i, r, low, high);
                }
        }
    }
    return HFY_OK;
}

/* Takes the arrays that any link of the chain needs. own_row: a prediction is wanted besides the caller's array. */
HFY_PRIVATE_ void hfy_sep_plan_(hfy_base_arena_ *arena, const hfy_simd_ *simd, const hfy_sep *sep, size_t n,
                                int own_row, hfy_sep_scratch_ *s)
{
    int list = 0, sorts = 0, powers = 0, bounds = 0, plus = sep->plus != NULL;
    for (; sep; sep = sep->plus) {
        hfy_sep full = hfy_sep_resolve_(sep);
        hfy_sep_method_ method = hfy_sep_method_of_(&full);
        list |= method >= HFY_SEP_BY_LINE_;
        sorts |= method == HFY_SEP_BY_STEEP_ || method == HFY_SEP_BY_MAXNORM_ || method == HFY_SEP_BY_TOP_ ||
                 method == HFY_SEP_BY_BOX_;
        powers |= method == HFY_SEP_BY_TSALLIS_ || method == HFY_SEP_BY_NORM_;
        bounds |= hfy_sep_has_bounds_(&full);
    }
    s->index = (size_t *)hfy_base_take_(arena, list ? n : 0, sizeof *s->index);
    s->weight = (double *)hfy_base_take_(arena, list ? n : 0, sizeof *s->weight);
    s->sorted = (double *)hfy_base_take_(arena, sorts ? n : 0, sizeof *s->sorted);
    s->low = (double *)hfy_base_take_(arena, bounds ? n : 0, sizeof *s->low);
    s->high = (double *)hfy_base_take_(arena, bounds ? n : 0, sizeof *s->high);
    s->power = (double *)hfy_base_take_(arena, powers ? n : 0, sizeof *s->power);
    s->sum = (double *)hfy_base_take_(arena, plus ? n : 0, sizeof *s->sum);
    s->row = (hfy_real *)hfy_base_take_(arena, plus || own_row ? n : 0, sizeof *s->row);
    s->simd = simd;
    s->count = 0;
    s->top = 0;
}

/* --- the row as a whole --- */

/* The largest score, and whether the row can be answered at all. */
HFY_PRIVATE_ hfy_status hfy_sep_top_(const hfy_simd_ *simd, const hfy_real *theta, size_t n, double *top)
{
    *top = (double)simd->max(theta, n);
    if (hfy_base_is_nan_(*top) || hfy_base_is_pos_inf_(*top)) return HFY_ERR_NONFINITE;
    return hfy_base_is_neg_inf_(*top) ? HFY_ERR_ARG : HFY_OK;
}

HFY_PRIVATE_ double hfy_sep_mean_(const double *d, size_t count)
{
    double sum = 0;
    size_t i;
    for (i = 0; i < count; i++) sum += d[i];
    return sum / (double)count;
}

/* Divides the weights by their sum and drops what is 0. A lone weight becomes exactly 1. Summed in blocks: many small
   weights must not drift. */
HFY_PRIVATE_ void hfy_sep_normalise_(hfy_sep_scratch_ *s)
{
    double sum = 0;
    size_t i, kept = 0;
    for (i = 0; i < s->count;) {
        double block = 0;
        size_t end = hfy_base_min_(i + 64, s->count);
        for (; i < end; i++) {
            if (!(s->weight[i] > 0)) continue;
            block += s->weight[i];
            s->weight[kept] = s->weight[i];
            s->index[kept++] = s->index[i];
        }
        sum += block;
    }
    s->count = kept;
    for (i = 0; i < kept; i++) s->weight[i] /= sum;
}

/* --- simplex kinds: s->index and s->weight hold the window's indices and distances, and become the solution --- */

/* p = t - d, sum p = 1: Newton's method, which is Michelot's algorithm, ends after finitely many steps. */
HFY_PRIVATE_ void hfy_sep_line_(hfy_sep_scratch_ *s)
{
    size_t i, before;
    double t;
    do {
        before = s->count;
        t = hfy_sep_mean_(s->weight, s->count) + 1 / (double)s->count;
        s->count = s->simd->keep_below(s->weight, s->index, s->count, t);
    } while (s->count < before);
    for (i = 0; i < s->count; i++) s->weight[i] = t - s->weight[i];
}

/* The t with sum (t - d)_+^2 = 1. */
HFY_PRIVATE_ double hfy_sep_cone_root_(hfy_sep_scratch_ *s)
{
    double t = hfy_sep_mean_(s->weight, s->count) + 1 / sqrt((double)s->count), sums[3], next;
    int step;
    if (t > 1) t = 1;
    for (step = 0; step < 200; step++) {
        s->count = s->simd->keep_below(s->weight, s->index, s->count, t);
        s->simd->below(s->weight, s->count, t, sums);
        next = t - (sums[2] - 1) / (2 * sums[1]);
        if (!(next < t)) break;
        if (t - next <= 4e-16 * t) {
            t = next;
            break;
        }
        t = next;
    }
    s->count = s->simd->keep_below(s->weight, s->index, s->count, t);
    return t;
}

/* alpha-entmax, 0 < alpha < 2, alpha != 1: with a = alpha - 1 and s the largest weight, p_i = (s^a - a d_i)_+^(1/a)
   = s b_i^(1/a), b_i = 1 - a s^-a d_i. Convex in s for a > 0 (walk down), concave for a < 0 (walk up from 1/n). */
HFY_PRIVATE_ void hfy_sep_tsallis_(hfy_sep_scratch_ *s, double alpha)
{
    double a = alpha - 1, n = (double)s->count, big, sums[2], u = 0;
    int step;
    if (a > 0) {
        big = exp(log1p(a * hfy_sep_mean_(s->weight, s->count) + expm1(-a * log(n))) / a); /* Jensen */
        if (!(big < 1)) big = 1;
    } else {
        big = 1 / n;
    }
    for (step = 0; step < 200; step++) {
        double next;
        u = a * exp(-a * log(big));
        if (a > 0) s->count = s->simd->keep_below(s->weight, s->index, s->count, 1 / u);
        s->simd->powers(s->weight, s->count, u, 1 / a, s->power, sums);
        next = big - (big * sums[0] - 1) / sums[1];
        if (a > 0 ? !(next < big) : !(next > big)) break;
        if (fabs(next - big) <= 4e-16 * big) {
            big = next;
            break;
        }
        big = next;
    }
    s->simd->powers(s->weight, s->count, a * exp(-a * log(big)), 1 / a, s->weight, sums); /* the scale big drops out */
}

/* alpha-entmax, alpha > 2: infinite slopes where an entry enters the support. So find the support first, from the
   sorted distances, then solve for its smallest weight u: p_i = (u^a + D_k - D_i)^(1/a), D = a d. */
HFY_PRIVATE_ void hfy_sep_steep_(hfy_sep_scratch_ *s, double alpha)
{
    double a = alpha - 1, *sorted = s->sorted, edge, u, next, g, slope;
    size_t lo = 0, hi = s->count, i;
    int step;
    for (i = 0; i < s->count; i++) sorted[i] = a * s->weight[i];
    hfy_base_sort_(sorted, s->count);
    while (hi - lo > 1) { /* the largest k with sum over i < k of (D_k - D_i)^(1/a) < 1 */
        size_t mid = lo + (hi - lo) / 2;
        double sum = 0;
        for (i = 0; i < mid && sum < 1; i++) sum += pow(sorted[mid] - sorted[i], 1 / a);
        if (sum < 1)
            lo = mid;
        else
            hi = mid;
    }
    edge = sorted[lo];
    u = 1 / (double)(lo + 1);
    for (step = 0; step < 200; step++) {
        double ua = pow(u, a);
        g = u - 1, slope = 1;
        for (i = 0; i < lo; i++) {
            double p = pow(ua + (edge - sorted[i]), 1 / a); /* ties: exactly u */
            g += p;
            slope += p > 0 ? pow(u / p, a - 1) : 1;
        }
        next = u - g / slope;
        if (!(next < u)) break;
        if (!(next > 0)) {
            u = 0;
            break;
        }
        if (u - next <= 4e-16 * u) {
            u = next;
            break;
        }
        u = next;
    }
    for (i = 0; i < s->count; i++) {
        double rise = edge - a * s->weight[i];
        s->weight[i] = rise > 0 ? pow(pow(u, a) + rise, 1 / a) : rise < 0 ? 0 : u;
    }
}

/* gamma-normmax: t with |(t - d)_+|_e = 1, e = gamma/(gamma-1); p ~ (t - d)_+^(1/(gamma-1)). Scaled by the largest
   entry t so that nothing underflows as gamma -> 1. (HFY Algorithm 4 with its exponent mended, eq. 30-33) */
HFY_PRIVATE_ void hfy_sep_norm_(hfy_sep_scratch_ *s, double gamma)
{
    double a = gamma - 1, e = gamma / a, sums[2], next;
    double t = hfy_sep_mean_(s->weight, s->count) + exp(-log((double)s->count) / e);
    int step;
    if (t > 1) t = 1;
    for (step = 0; step < 200; step++) {
        s->count = s->simd->keep_below(s->weight, s->index, s->count, t);
        s->simd->powers(s->weight, s->count, 1 / t, e, s->power, sums);
        next = t - (t * pow(sums[0], 1 / e) - 1) * pow(sums[0], 1 / gamma) / sums[1];
        if (!(next < t)) break;
        if (t - next <= 4e-16 * t) {
            t = next;
            break;
        }
        t = next;
    }
    s->simd->powers(s->weight, s->count, 1 / t, 1 / a, s->weight, sums);
}

/* gamma = infinity: uniform over the top m, the first m at which the sum of the gaps down to the next score reaches
   1. */
HFY_PRIVATE_ void hfy_sep_maxnorm_(hfy_sep_scratch_ *s)
{
    size_t m, i;
    double sum = 0, edge;
    memcpy(s->sorted, s->weight, s->count * sizeof *s->sorted);
    hfy_base_sort_(s->sorted, s->count);
    for (m = 1; m < s->count; m++) {
        sum += s->sorted[m - 1];
        if ((double)m * s->sorted[m] - sum >= 1) break;
    }
    edge = s->sorted[m - 1];
    for (i = 0; i < s->count; i++) s->weight[i] = s->weight[i] <= edge ? 1 : 0;
}

/* The k largest scores of s->weight: everything above the k-th, and of those equal to it the first. */
HFY_PRIVATE_ hfy_status hfy_sep_largest_(size_t k, hfy_sep_scratch_ *s)
{
    double kth = s->top;
    size_t i, kept = 0, equal = k;
    if (k > s->count) return HFY_ERR_ARG;
    if (k > 1) {
        memcpy(s->sorted, s->weight, s->count * sizeof *s->sorted);
        kth = hfy_base_kth_largest_(s->sorted, s->count, k);
        for (i = 0; i < s->count; i++) equal -= s->weight[i] > kth;
    }
    for (i = 0; i < s->count && kept < k; i++) {
        if (s->weight[i] < kth || (!(s->weight[i] > kth) && !equal)) continue;
        if (!(s->weight[i] > kth)) equal--;
        s->index[kept++] = s->index[i];
    }
    for (i = 0; i < kept; i++) s->weight[i] = 1;
    s->count = kept;
    return HFY_OK;
}

/* --- projection onto a box cut by a plane (constrained sparsemax, k-subsets) --- */

/* min 1/2|y - v|^2 over lower <= y <= upper, sum y = budget: y = clip(v - tau, lower, upper). s->weight holds v,
   count of them, and gets y; lower, upper: as many, or NULL = 0 and `cap`. The sum falls in tau, piecewise linearly:
   Newton's method inside a bracket, which is halved where a step would leave it; O(count) each, a handful of them. */
HFY_PRIVATE_ hfy_status hfy_sep_box_(hfy_sep_scratch_ *s, const double *lower, const double *upper, double cap,
                                     double budget, double tau)
{
    double left = -HUGE_VAL, right = HUGE_VAL; /* sum(left) >= budget > sum(right) */
    double floor_sum = 0, cap_sum = 0, slack = budget > 1 ? budget : 1, sums[2], sum = 0, lost = 0, next, reach = 1;
    double *v = s->weight;
    size_t i, n = s->count, free_count = 0;
    int step;
    for (i = 0; lower && i < n; i++) floor_sum += lower[i];
    for (i = 0; upper && i < n; i++) cap_sum += upper[i];
    if (!upper) cap_sum = n ? cap * (double)n : 0;
    if (floor_sum > budget + 1e-9 * slack || cap_sum < budget - 1e-9 * slack) return HFY_ERR_INFEASIBLE;
    if (cap_sum <= budget || floor_sum >= budget) { /* rounding of repeated subtraction is forgiven */
        for (i = 0; i < n; i++) v[i] = cap_sum <= budget ? (upper ? upper[i] : cap) : lower ? lower[i] : 0;
        return HFY_OK;
    }
    for (step = 0; step < 300; step++) {
        s->simd->clip(v, lower, upper, cap, n, tau, sums);
        if (!(sums[1] > 0) && fabs(sums[0] - budget) <= 1e-15 * slack) break; /* a vertex */
        if (sums[0] >= budget)
            left = tau;
        else
            right = tau;
        next = sums[1] > 0 ? tau + (sums[0] - budget) / sums[1] : tau;
        if (sums[1] > 0 && fabs(next - tau) <= 4e-16 * (1 + fabs(tau))) break;
        if (!(next > left && next < right)) {
            if (left > -HUGE_VAL && right < HUGE_VAL)
                next = left + 0.5 * (right - left);
            else
                next = left > -HUGE_VAL ? left + reach : right - reach;
            reach *= 4;
            if (!(next > left && next < right)) break; /* nothing is left between */
        }
        tau = next;
    }
    /* tau once more from the classes, with a compensated sum (Neumaier): the path of the search leaves no trace */
    for (i = 0; i < n; i++) {
        double low = lower ? lower[i] : 0, high = upper ? upper[i] : cap, y = v[i] - tau;
        double term = y >= high ? high : y <= low ? low : v[i];
        free_count += y < high && y > low;
        next = sum + term;
        lost += fabs(sum) >= fabs(term) ? (sum - next) + term : (term - next) + sum;
        sum = next;
    }
    if (free_count) tau = (sum - budget + lost) / (double)free_count;
    for (i = 0; i < n; i++) {
        double low = lower ? lower[i] : 0, high = upper ? upper[i] : cap, y = v[i] - tau;
        double snap = 4e-16 * (1 + fabs(v[i]) + fabs(tau)); /* exact bounds make exact retrieval */
        v[i] = y >= high - snap ? high : y <= low + snap ? low : y;
    }
    return HFY_OK;
}

/* k-subsets without bounds, from the scores in s->weight: only those within rho of the ceil(k)-th best can be
   fractional. */
HFY_PRIVATE_ hfy_status hfy_sep_ksubsets_(double k, double rho, hfy_sep_scratch_ *s)
{
    size_t i, ones = 0, kept = 0, up = (size_t)ceil(k), entries;
    double kth;
    hfy_status status;
    if (up > s->count) return HFY_ERR_ARG;
    memcpy(s->sorted, s->weight, s->count * sizeof *s->sorted);
    kth = hfy_base_kth_largest_(s->sorted, s->count, up);
    for (i = 0, entries = 0; i < s->count; i++) {
        double above = s->weight[i] - kth;
        if (!(above > -rho)) continue;
        ones += above >= rho;
        s->sorted[entries] = above;
        s->index[entries++] = s->index[i];
    }
    /* the window goes to the front for the projection; s->sorted remembers all */
    for (i = 0; i < entries; i++)
        if (s->sorted[i] < rho) s->weight[kept++] = s->sorted[i] / rho;
    s->count = kept;
    status = hfy_sep_box_(s, NULL, NULL, 1, k - (double)ones, -0.5);
    if (status) return status;
    for (i = entries; i--;) s->sorted[i] = s->sorted[i] < rho ? s->weight[--kept] : 1;
    for (i = 0, kept = 0; i < entries; i++) {
        if (!(s->sorted[i] > 0)) continue;
        s->weight[kept] = s->sorted[i];
        s->index[kept++] = s->index[i];
    }
    s->count = kept;
    return HFY_OK;
}

/* With bounds: every entry takes part; masked ones get their lower bound. */
HFY_PRIVATE_ hfy_status hfy_sep_bounded_(const hfy_sep *full, const hfy_real *theta, size_t n, size_t row,
                                         hfy_sep_scratch_ *s)
{
    const double *lower = full->lower ? full->lower + row * full->bound_stride : NULL;
    const double *upper = full->upper ? full->upper + row * full->bound_stride : NULL;
    const double *low = lower, *high = upper;
    double budget = full->k, cap = full->kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VAL;
    size_t i, kept = 0;
    hfy_status status;
    s->count = 0;
    for (i = 0; i < n; i++) {
        double d = (s->top - (double)theta[i]) / full->rho;
        if (hfy_base_is_pos_inf_(d)) {
            budget -= lower ? lower[i] : 0;
            continue;
        }
        s->index[s->count] = i;
        s->weight[s->count++] = -d;
    }
    for (i = 0; s->count < n && i < s->count; i++) { /* bounds of what is left, side by side */
        if (lower) s->low[i] = lower[s->index[i]];
        if (upper) s->high[i] = upper[s->index[i]];
    }
    if (s->count < n) low = lower ? s->low : NULL, high = upper ? s->high : NULL;
    if (budget < 0) {
        if (budget < -1e-9 * (full->k > 1 ? full->k : 1)) return HFY_ERR_INFEASIBLE;
        budget = 0;
    }
    status = hfy_sep_box_(s, low, high, cap, budget, -budget);
    if (status) return status;
    if (lower) { /* the masked ones come back into their places */
        memcpy(s->low, s->weight, s->count * sizeof *s->low);
        memcpy(s->high, lower, n * sizeof *s->high);
        for (i = 0; i < s->count; i++) s->high[s->index[i]] = s->low[i];
        for (i = 0; i < n; i++)
            if (s->high[i] > 0) {
                s->weight[kept] = s->high[i];
                s->index[kept++] = i;
            }
    } else {
        for (i = 0; i < s->count; i++)
            if (s->weight[i] > 0) {
                s->weight[kept] = s->weight[i];
                s->index[kept++] = s->index[i];
            }
    }
    s->count = kept;
    return HFY_OK;
}

/* --- one row --- */

/* The margin of one link, HUGE_VAL if it has none. */
HFY_PRIVATE_ double hfy_sep_link_margin_(const hfy_sep *full)
{
    if (hfy_sep_has_bounds_(full)) return HUGE_VAL;
    switch (full->kind) {
    case HFY_SEP_SPARSEMAX: return 1;
    case HFY_SEP_ENTMAX: return full->alpha > 1 ? 1 / (full->alpha - 1) : HUGE_VAL;
    case HFY_SEP_NORMMAX: return full->gamma > 1 ? 1 : 0;
    case HFY_SEP_KSUBSETS: return full->rho;
    case HFY_SEP_ARGMAX: return 0;
    case HFY_SEP_SOFTMAX:
    case HFY_SEP_IDENTITY:
    case HFY_SEP_POWER:
    case HFY_SEP_EXP:
    case HFY_SEP_UNIFORM: break;
    }
    return HUGE_VAL;
}

/* Solves a window: s->index ascending, s->weight the distances from the top below the margin; kinds on the k-th best:
   the scores themselves of everything that is not masked. Both become the solution. */
HFY_PRIVATE_ hfy_status hfy_sep_solve_(const hfy_sep *full, hfy_sep_scratch_ *s)
{
    hfy_sep_method_ method = hfy_sep_method_of_(full);
    size_t i;
    double t;
    if (method == HFY_SEP_BY_TOP_) return hfy_sep_largest_((size_t)full->k, s);
    if (method == HFY_SEP_BY_BOX_) return hfy_sep_ksubsets_(full->k, full->rho, s);
    if (s->count == 1) {
        s->weight[0] = 1;
        return HFY_OK;
    }
    switch (method) {
    case HFY_SEP_BY_LINE_: hfy_sep_line_(s); break;
    case HFY_SEP_BY_SQUARE_:
        for (i = 0; i < s->count; i++) s->weight[i] *= 0.5;
        t = hfy_sep_cone_root_(s);
        for (i = 0; i < s->count; i++) s->weight[i] = (t - s->weight[i]) * (t - s->weight[i]);
        break;
    case HFY_SEP_BY_CONE_:
        t = hfy_sep_cone_root_(s);
        for (i = 0; i < s->count; i++) s->weight[i] = t - s->weight[i];
        break;
    case HFY_SEP_BY_TSALLIS_: hfy_sep_tsallis_(s, full->alpha); break;
    case HFY_SEP_BY_STEEP_: hfy_sep_steep_(s, full->alpha); break;
    case HFY_SEP_BY_NORM_: hfy_sep_norm_(s, full->gamma); break;
    case HFY_SEP_BY_MAXNORM_: hfy_sep_maxnorm_(s); break;
    default: /* HFY_SEP_BY_TIES_: the window holds the exact maxima */
        for (i = 0; i < s->count; i++) s->weight[i] = 1;
        break;
    }
    hfy_sep_normalise_(s);
    return HFY_OK;
}

/* Does a kind count its candidates from the k-th best rather than from the best? */
HFY_PRIVATE_ int hfy_sep_by_rank_(const hfy_sep *full)
{
    hfy_sep_method_ method = hfy_sep_method_of_(full);
    return method == HFY_SEP_BY_TOP_ || (method == HFY_SEP_BY_BOX_ && !hfy_sep_has_bounds_(full));
}

/* The scores that can be among the k best or within the margin of them. The k-th best of the maxima of chunks is no
   better than the k-th best of all, so most of a long row is passed over without a selection. */
HFY_PRIVATE_ void hfy_sep_rank_window_(const hfy_real *theta, size_t n, double k, double margin, hfy_sep_scratch_ *s)
{
    size_t i, m = 0, chunk = 4 * k < (double)n ? (size_t)((double)n / (4 * k)) & ~(size_t)15 : 0;
    double bar;
    if (chunk > 256) chunk = 256;
    if (!chunk && k <= 8) chunk = 1;
    for (i = 0; chunk && i < n; i += chunk) {
        double top = (double)(chunk > 1 ? s->simd->max(theta + i, hfy_base_min_(chunk, n - i)) : theta[i]);
        if (!hfy_base_is_neg_inf_(top)) s->sorted[m++] = top;
    }
    if ((double)m >= k) {
        bar = s->top - hfy_base_kth_largest_(s->sorted, m, (size_t)k) + margin;
        s->count = s->simd->window(theta, n, (hfy_real)s->top, bar * (1 + 1e-15) + DBL_MIN, s->index, s->weight);
        for (i = 0; i < s->count; i++) s->weight[i] = (double)theta[s->index[i]];
        return;
    }
    for (i = 0, s->count = 0; i < n; i++) {
        if (hfy_base_is_neg_inf_((double)theta[i])) continue;
        s->index[s->count] = i;
        s->weight[s->count++] = (double)theta[i];
    }
}

/* Solves one row of a list kind; `row` chooses its bounds. theta is only read. */
HFY_PRIVATE_ hfy_status hfy_sep_list_(const hfy_sep *full, const hfy_real *theta, size_t n, size_t row,
                                      hfy_sep_scratch_ *s)
{
    hfy_status status = hfy_sep_top_(s->simd, theta, n, &s->top);
    double margin = hfy_sep_link_margin_(full);
    if (status) return status;
    if (hfy_sep_has_bounds_(full)) return hfy_sep_bounded_(full, theta, n, row, s);
    if (hfy_sep_by_rank_(full)) {
        hfy_sep_rank_window_(theta, n, ceil(full->k), margin, s);
    } else {
        s->count = s->simd->window(theta, n, (hfy_real)s->top, margin < DBL_MAX ? margin : DBL_MAX, s->index,
                                   s->weight);
    }
    return hfy_sep_solve_(full, s);
}

/* The same from candidates found before: s->index ascending, s->weight their scores. They hold at least all that can
   matter: what lies within the margin of the best, or of the k-th best. */
HFY_PRIVATE_ hfy_status hfy_sep_candidates_(const hfy_sep *full, hfy_sep_scratch_ *s)
{
    double margin = hfy_sep_link_margin_(full);
    size_t i, kept = 0;
    if (!s->count) return HFY_ERR_ARG;
    for (i = 1, s->top = s->weight[0]; i < s->count; i++) s->top = s->weight[i] > s->top ? s->weight[i] : s->top;
    if (!hfy_sep_by_rank_(full)) {
        for (i = 0; i < s->count; i++) {
            double d = s->top - s->weight[i];
            if (!(d < margin || !(d > 0))) continue;
            s->index[kept] = s->index[i];
            s->weight[kept++] = d;
        }
        s->count = kept;
    }
    return hfy_sep_solve_(full, s);
}

/* IDENTITY and POWER; masked scores give 0. y may be theta; untouched if a power leaves the range of hfy_real. */
HFY_PRIVATE_ hfy_status hfy_sep_elementwise_(const hfy_sep *full, const hfy_real *theta, size_t n, hfy_real *y)
{
    double power = full->degree - 1;
    size_t i;
    if (full->kind == HFY_SEP_IDENTITY) {
        for (i = 0; i < n; i++) y[i] = hfy_base_is_neg_inf_((double)theta[i]) ? 0 : theta[i];
        return HFY_OK;
    }
    for (i = 0; i < n; i++) {
        double v = (double)theta[i];
        if (!hfy_base_is_neg_inf_(v) && pow(fabs(v), power) > HFY_REAL_MAX_) return HFY_ERR_UNSUPPORTED;
    }
    for (i = 0; i < n; i++) {
        double v = (double)theta[i], p = hfy_base_is_neg_inf_(v) ? 0 : pow(fabs(v), power);
        y[i] = (hfy_real)(v < 0 ? -p : p);
    }
    return HFY_OK;
}

/* Writes the n weights of one row, of any kind; y may be theta. log_scale NULL: the weights are y. Else the weights are
   e^log_scale y, which only EXP uses (its own range is soon exceeded). */
HFY_PRIVATE_ hfy_status hfy_sep_fill_(const hfy_sep *full, const hfy_real *theta, size_t n, size_t row, hfy_real *y,
                                      double *log_scale, hfy_sep_scratch_ *s)
{
    hfy_sep_method_ method = hfy_sep_method_of_(full);
    hfy_status status;
    size_t i, m = 0;
    double sum;
    if (log_scale) *log_scale = 0;
    if (full->plus) {
        const hfy_sep *link;
        memset(s->sum, 0, n * sizeof *s->sum);
        for (link = full; link; link = link->plus) {
            hfy_sep alone = hfy_sep_resolve_(link);
            alone.plus = NULL;
            status = hfy_sep_fill_(&alone, theta, n, row, s->row, NULL, s);
            if (status) return status;
            for (i = 0; i < n; i++) s->sum[i] += (double)s->row[i];
        }
        for (i = 0; i < n; i++) y[i] = (hfy_real)s->sum[i];
        return HFY_OK;
    }
    if (method >= HFY_SEP_BY_LINE_) {
        status = hfy_sep_list_(full, theta, n, row, s);
        if (status) return status;
        memset(y, 0, n * sizeof *y);
        for (i = 0; i < s->count; i++) y[s->index[i]] = (hfy_real)s->weight[i];
        return HFY_OK;
    }
    status = hfy_sep_top_(s->simd, theta, n, &s->top);
    if (status) return status;
    switch (method) {
    case HFY_SEP_BY_SOFTMAX_:
        sum = s->simd->softmax(theta, n, (hfy_real)s->top, y);
        s->simd->scale(y, n, 1 / sum);
        break;
    case HFY_SEP_BY_UNIFORM_:
        for (i = 0; i < n; i++) m += !hfy_base_is_neg_inf_((double)theta[i]);
        for (i = 0; i < n; i++) y[i] = hfy_base_is_neg_inf_((double)theta[i]) ? 0 : (hfy_real)(1 / (double)m);
        break;
    case HFY_SEP_BY_EXP_:
        if (!log_scale && s->top > log(HFY_REAL_MAX_)) return HFY_ERR_UNSUPPORTED;
        if (log_scale) {
            *log_scale = s->top;
            s->simd->softmax(theta, n, (hfy_real)s->top, y);
        } else {
            s->simd->exp(theta, n, y);
        }
        break;
    default: return hfy_sep_elementwise_(full, theta, n, y);
    }
    return HFY_OK;
}

/* --- Omega, its conjugate, the loss --- */

/* Omega of one row of weights, +infinity outside its domain: y[0..n), or a list (y NULL) of n weights at these
   indices. */
HFY_PRIVATE_ double hfy_sep_omega_(const hfy_sep *full, const hfy_real *y, const double *list, const size_t *index,
                                   size_t n, size_t row)
{
    hfy_sep_method_ method = hfy_sep_method_of_(full);
    double sum = 0, square = 0, total = 0, largest = 0, first = 0, s = full->degree / (full->degree - 1);
    double budget = full->kind == HFY_SEP_KSUBSETS || full->kind == HFY_SEP_ARGMAX ? full->k : 1;
    size_t i;
    for (i = 0; i < n; i++) {
        double v = y ? (double)y[i] : list[i];
        sum += v;
        square += v * v;
        if (v > largest) largest = v;
        if (method == HFY_SEP_BY_IDENTITY_) continue;
        if (method == HFY_SEP_BY_POWER_) {
            total += pow(fabs(v), s);
            continue;
        }
        if (v < 0) return HUGE_VAL;
        if (method == HFY_SEP_BY_TOP_ && v > 1 + 1e-6) return HUGE_VAL;
        if (method == HFY_SEP_BY_BOX_) {
            size_t at = row * full->bound_stride + (index ? index[i] : i);
            double low = full->lower ? full->lower[at] : 0;
            double high = full->upper ? full->upper[at] : full->kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VAL;
            if (v < low - 1e-6 || v > high + 1e-6) return HUGE_VAL;
        }
        if (!(v > 0)) continue;
        if (method == HFY_SEP_BY_EXP_) total += v * log(v) - v;
        if (method == HFY_SEP_BY_SOFTMAX_) total += v * log(v);
        if (method == HFY_SEP_BY_TSALLIS_ || method == HFY_SEP_BY_SQUARE_ || method == HFY_SEP_BY_STEEP_)
            total += v * expm1((full->alpha - 1) * log(v));
        if (method == HFY_SEP_BY_UNIFORM_) {
            if (first > 0 && fabs(v - first) > 1e-6 * first) return HUGE_VAL;
            first = v;
        }
    }
    if (method == HFY_SEP_BY_IDENTITY_) return 0.5 * square;
    if (method == HFY_SEP_BY_POWER_) return total / s;
    if (method == HFY_SEP_BY_EXP_) return total;
    if (!(fabs(sum - budget) <= 1e-6 * (budget > 1 ? budget : 1))) return HUGE_VAL;
    switch (method) {
    case HFY_SEP_BY_SOFTMAX_: return total;
    case HFY_SEP_BY_LINE_: return 0.5 * square - 0.5;
    case HFY_SEP_BY_BOX_: return 0.5 * full->rho * square;
    case HFY_SEP_BY_SQUARE_:
    case HFY_SEP_BY_TSALLIS_:
    case HFY_SEP_BY_STEEP_: return total / (full->alpha * (full->alpha - 1));
    case HFY_SEP_BY_MAXNORM_: return largest - 1;
    case HFY_SEP_BY_CONE_:
    case HFY_SEP_BY_NORM_: /* scaled by the largest weight */
        for (i = 0, total = 0; i < n; i++) total += pow((y ? (double)y[i] : list[i]) / largest, full->gamma);
        return largest * pow(total, 1 / full->gamma) - 1;
    default: return 0; /* ties, top, uniform */
    }
}

/* Omega*(theta) of one row and one link. */
HFY_PRIVATE_ hfy_status hfy_sep_omega_star_(const hfy_sep *full, const hfy_real *theta, size_t n, size_t row,
                                            double *value, hfy_sep_scratch_ *s)
{
    hfy_sep_method_ method = hfy_sep_method_of_(full);
    double sum = 0, linear = 0, square = 0, live = 0;
    size_t i;
    hfy_status status;
    if (method >= HFY_SEP_BY_LINE_) { /* theta.p - Omega(p), in distances from the top; masked entries do not count */
        status = hfy_sep_list_(full, theta, n, row, s);
        if (status) return status;
        for (i = 0; i < s->count; i++) {
            double p = s->weight[i], d = s->top - (double)theta[s->index[i]];
            if (hfy_base_is_pos_inf_(d)) continue;
            sum += p;
            linear += p * d;
            square += p * p;
        }
        if (method == HFY_SEP_BY_BOX_)
            *value = sum * s->top - linear - 0.5 * full->rho * square;
        else if (method == HFY_SEP_BY_TOP_)
            *value = full->k * s->top - linear;
        else
            *value = s->top - linear - hfy_sep_omega_(full, NULL, s->weight, s->index, s->count, row);
        return HFY_OK;
    }
    status = hfy_sep_top_(s->simd, theta, n, &s->top);
    if (status) return status;
    for (i = 0; i < n; i++) {
        double v = (double)theta[i];
        if (hfy_base_is_neg_inf_(v)) continue;
        live += 1;
        switch (method) {
        case HFY_SEP_BY_SOFTMAX_: sum += exp(v - s->top); break;
        case HFY_SEP_BY_EXP_: sum += exp(v); break;
        case HFY_SEP_BY_POWER_: sum += pow(fabs(v), full->degree) / full->degree; break;
        case HFY_SEP_BY_UNIFORM_: sum += v; break;
        default: sum += 0.5 * v * v; break;
        }
    }
    if (method == HFY_SEP_BY_SOFTMAX_) sum = s->top + log(sum);
    if (method == HFY_SEP_BY_UNIFORM_) sum /= live;
    if (!hfy_base_is_finite_(sum)) return HFY_ERR_UNSUPPORTED;
    *value = sum;
    return HFY_OK;
}

/* The same for a whole chain: the conjugate of an infimal convolution is the sum of the conjugates. */
HFY_PRIVATE_ hfy_status hfy_sep_conjugate_(const hfy_sep *sep, const hfy_real *theta, size_t n, size_t row,
                                           double *value, hfy_sep_scratch_ *s)
{
    double sum = 0, one = 0;
    for (; sep; sep = sep->plus) {
        hfy_sep full = hfy_sep_resolve_(sep);
        hfy_status status = hfy_sep_omega_star_(&full, theta, n, row, &one, s);
        if (status) return status;
        sum += one;
    }
    *value = sum;
    return HFY_OK;
}

/* Omega(y) + Omega*(theta) - theta.y of one row, without cancellation: kinds of fixed sum in distances from the top
   against the prediction as it rounds to hfy_real, elementwise kinds term by term. So the prediction itself has loss
   exactly 0. */
HFY_PRIVATE_ hfy_status hfy_sep_loss_(const hfy_sep *full, const hfy_real *theta, const hfy_real *y, size_t n,
                                      size_t row, double *value, hfy_sep_scratch_ *s)
{
    hfy_sep_method_ method = hfy_sep_method_of_(full);
    int elementwise = method == HFY_SEP_BY_IDENTITY_ || method == HFY_SEP_BY_POWER_ || method == HFY_SEP_BY_EXP_;
    hfy_status status = hfy_sep_fill_(full, theta, n, row, s->row, NULL, s);
    double omega, sum = 0, r = full->degree, conjugate_r = full->degree / (full->degree - 1);
    size_t i;
    if (status) return status;
    for (i = 0; i < n; i++)
        if (hfy_base_is_nan_((double)y[i])) return HFY_ERR_NONFINITE;
    omega = hfy_sep_omega_(full, y, NULL, NULL, n, row);
    for (i = 0; i < n; i++) {
        double t = (double)theta[i], v = (double)y[i], p = (double)s->row[i], term;
        if (!(v < p) && !(v > p)) continue;
        if (hfy_base_is_neg_inf_(t)) { /* weight on a masked pattern */
            omega = HUGE_VAL;
            break;
        }
        if (!elementwise) {
            sum += (v - p) * (s->top - t);
            continue;
        }
        if (method == HFY_SEP_BY_IDENTITY_)
            term = 0.5 * (t - v) * (t - v);
        else if (method == HFY_SEP_BY_POWER_)
            term = pow(fabs(v), conjugate_r) / conjugate_r + pow(fabs(t), r) / r - t * v;
        else
            term = (v > 0 ? v * (log(v) - 1 - t) : 0) + exp(t);
        sum += term > 0 ? term : 0;
    }
    if (hfy_base_is_pos_inf_(omega)) {
        *value = HUGE_VAL;
        return HFY_OK;
    }
    if (!elementwise) sum += omega - hfy_sep_omega_(full, s->row, NULL, NULL, n, row);
    *value = sum > 0 ? sum : 0;
    return HFY_OK;
}

/* --- vector-Jacobian products of one row, one link --- */

/* out = s o v - s (s.v)/sum s over the support, s = y^(2-alpha): softmax, sparsemax and everything between and beyond.
   out may be v. Also d prediction / d alpha . v if alpha is not NULL. */
HFY_PRIVATE_ void hfy_sep_tsallis_vjp_(double alpha, const hfy_real *y, const hfy_real *v, size_t n, hfy_real *out,
                                       double *d_alpha)
{
    double a = alpha - 1, sum = 0, along = 0, mean, top = 0, ell, sum_pg = 0, along_pg = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        double p = (double)y[i], s;
        if (!(p >= 1e-30)) continue;
        s = alpha > 2 || alpha < 2 ? pow(p, 2 - alpha) : 1;
        sum += s;
        along += s * (double)v[i];
        if (p > top) top = p;
    }
    mean = sum > 0 ? along / sum : 0;
    if (d_alpha) { /* docs/math.md 7: p o g - s sum(p o g)/sum s, with g free of cancellation at alpha = 1 */
        ell = log(top);
        for (i = 0; i < n; i++) {
            double p = (double)y[i], l, x, g;
            if (!(p >= 1e-30)) continue;
            l = log(p);
            x = a * (ell - l);
            if (!(a > 0) && !(a < 0)) {
                g = 0.5 * (ell * ell - l * l);
            } else {
                double rest; /* x e^x - expm1(x) */
                if (fabs(x) < 0.05) {
                    double term = x;
                    int k;
                    for (rest = 0, k = 2; k < 14; k++) {
                        term *= x / k;
                        rest += (k - 1) * term;
                    }
                } else {
                    rest = x * exp(x) - expm1(x);
                }
                g = (l * expm1(x) + rest / a) / a;
            }
            sum_pg += p * g;
            along_pg += p * g * (double)v[i];
        }
        *d_alpha += along_pg - mean * sum_pg;
    }
    if (!out) return;
    for (i = 0; i < n; i++) {
        double p = (double)y[i];
        out[i] = p >= 1e-30 ? (hfy_real)((alpha > 2 || alpha < 2 ? pow(p, 2 - alpha) : 1) * ((double)v[i] - mean)) : 0;
    }
}

/* c [b o v - y (b.v) - (b - (sum b) y)(y.v)], b = y^(2-gamma) on the support, c = |y|_gamma^(gamma-1)/(gamma-1). */
HFY_PRIVATE_ void hfy_sep_norm_vjp_(double gamma, const hfy_real *y, const hfy_real *v, size_t n, hfy_real *out,
                                    double *d_gamma)
{
    double a = gamma - 1, e = gamma / a, top = 0, power = 0, c, sum_b = 0, along_b = 0, along_y = 0;
    size_t i;
    for (i = 0; i < n; i++)
        if ((double)y[i] > top) top = (double)y[i];
    for (i = 0; i < n; i++) {
        double p = (double)y[i], b;
        if (!(p >= 1e-30)) continue;
        b = pow(p, 2 - gamma);
        power += pow(p / top, gamma);
        sum_b += b;
        along_b += b * (double)v[i];
        along_y += p * (double)v[i];
    }
    if (d_gamma) { /* with w = theta - mu = t (y/top)^a: |w|_e = 1 gives t, so the scores are not needed */
        double t = pow(power, -1 / e), log_t = log(t), num = 0, den = 0, mu, sum_u = 0, sum_du = 0, along_du = 0,
               along_u = 0;
        for (i = 0; i < n; i++) {
            double ratio = (double)y[i] / top, w, log_w;
            if (!((double)y[i] >= 1e-30)) continue;
            log_w = log_t + a * log(ratio);
            w = exp(log_w);
            num += pow(ratio, gamma) * log_w;
            den += pow(ratio, gamma) / w;
        }
        mu = -num / (a * a * e * den); /* d mu / d gamma */
        for (i = 0; i < n; i++) {
            double u = (double)y[i], log_w, du; /* u: the weight, its scale drops out */
            if (!(u >= 1e-30)) continue;
            log_w = log_t + a * log(u / top);
            du = u * (-log_w / (a * a) - mu / (a * exp(log_w)));
            sum_u += u;
            sum_du += du;
            along_u += u * (double)v[i];
            along_du += du * (double)v[i];
        }
        *d_gamma += along_du / sum_u - along_u * sum_du / (sum_u * sum_u);
    }
    if (!out) return;
    c = pow(top * pow(power, 1 / gamma), a) / a;
    for (i = 0; i < n; i++) {
        double p = (double)y[i], b = p >= 1e-30 ? pow(p, 2 - gamma) : 0;
        out[i] = p >= 1e-30 ? (hfy_real)(c * (b * (double)v[i] - p * along_b - (b - sum_b * p) * along_y)) : 0;
    }
}

/* v - mean over the free set, 0 elsewhere; and what the active bounds get. */
HFY_PRIVATE_ void hfy_sep_box_vjp_(const hfy_sep *full, const hfy_real *y, const hfy_real *v, size_t n, size_t row,
                                   hfy_real *out, double *d_upper, double *d_lower)
{
    const double *lower = full->lower ? full->lower + row * full->bound_stride : NULL;
    const double *upper = full->upper ? full->upper + row * full->bound_stride : NULL;
    double mean = 0, cap = full->kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VAL;
    size_t i, free_count = 0;
    int pass;
    for (pass = 0; pass < 2; pass++) {
        for (i = 0; i < n; i++) {
            hfy_real low = (hfy_real)(lower ? lower[i] : 0), high = (hfy_real)(upper ? upper[i] : cap);
            int is_free = y[i] > low && y[i] < high;
            double rest = (double)v[i] - mean;
            if (!pass) {
                free_count += (size_t)is_free;
                if (is_free) mean += (double)v[i];
                continue;
            }
            if (d_upper && free_count && !is_free && y[i] >= high && high > low) d_upper[i] += rest;
            if (d_lower && free_count && !is_free && y[i] <= low) d_lower[i] += rest;
            if (out) out[i] = is_free ? (hfy_real)(rest / full->rho) : 0;
        }
        if (!pass && free_count) mean /= (double)free_count;
    }
}

/* One row: out = J^T v (or not, if NULL; may be v), and adds to the parameters' gradients that are not NULL. */
HFY_PRIVATE_ void hfy_sep_row_vjp_(const hfy_sep *full, const hfy_real *theta, const hfy_real *y, const hfy_real *v,
                                   size_t n, size_t row, hfy_real *out, double *d_alpha, double *d_gamma,
                                   double *d_upper, double *d_lower)
{
    size_t i;
    switch (hfy_sep_method_of_(full)) {
    case HFY_SEP_BY_SOFTMAX_: hfy_sep_tsallis_vjp_(1, y, v, n, out, d_alpha); return;
    case HFY_SEP_BY_LINE_: hfy_sep_tsallis_vjp_(2, y, v, n, out, d_alpha); return;
    case HFY_SEP_BY_SQUARE_:
    case HFY_SEP_BY_TSALLIS_:
    case HFY_SEP_BY_STEEP_: hfy_sep_tsallis_vjp_(full->alpha, y, v, n, out, d_alpha); return;
    case HFY_SEP_BY_CONE_:
    case HFY_SEP_BY_NORM_: hfy_sep_norm_vjp_(full->gamma, y, v, n, out, d_gamma); return;
    case HFY_SEP_BY_BOX_: hfy_sep_box_vjp_(full, y, v, n, row, out, d_upper, d_lower); return;
    case HFY_SEP_BY_IDENTITY_:
        for (i = 0; out && i < n; i++) out[i] = hfy_base_is_neg_inf_((double)theta[i]) ? 0 : v[i];
        return;
    case HFY_SEP_BY_EXP_:
        for (i = 0; out && i < n; i++) out[i] = y[i] > 0 ? y[i] * v[i] : 0;
        return;
    case HFY_SEP_BY_POWER_:
        for (i = 0; out && i < n; i++) {
            double t = (double)theta[i], r = full->degree;
            int flat = hfy_base_is_neg_inf_(t) || (r < 2 && !(fabs(t) > 0));
            out[i] = flat ? 0 : (hfy_real)((r - 1) * pow(fabs(t), r - 2) * (double)v[i]);
        }
        return;
    case HFY_SEP_BY_UNIFORM_:
    case HFY_SEP_BY_MAXNORM_:
    case HFY_SEP_BY_TIES_:
    case HFY_SEP_BY_TOP_: break;
    }
    for (i = 0; out && i < n; i++) out[i] = 0;
}

/* The same for a chain: the products of its links add up; each link's own prediction is made again from theta. In s:
   sum and row. Rows that cannot be answered give 0. */
HFY_PRIVATE_ void hfy_sep_chain_vjp_(const hfy_sep *sep, const hfy_real *theta, const hfy_real *v, size_t n, size_t row,
                                     hfy_real *out, hfy_sep_scratch_ *s)
{
    size_t i;
    memset(s->sum, 0, n * sizeof *s->sum);
    for (; sep; sep = sep->plus) {
        hfy_sep alone = hfy_sep_resolve_(sep);
        alone.plus = NULL;
        if (hfy_sep_fill_(&alone, theta, n, row, s->row, NULL, s)) continue;
        hfy_sep_row_vjp_(&alone, theta, s->row, v, n, row, s->row, NULL, NULL, NULL, NULL);
        for (i = 0; i < n; i++) s->sum[i] += (double)s->row[i];
    }
    for (i = 0; i < n; i++) out[i] = (hfy_real)s->sum[i];
}

/* Which parameter gradient of a separation does not exist: its name, or NULL. */
HFY_PRIVATE_ const char *hfy_sep_no_gradient_(const hfy_sep *full, int alpha, int gamma, int upper, int lower)
{
    hfy_sep_method_ method = hfy_sep_method_of_(full);
    if (alpha && (full->plus || full->kind != HFY_SEP_ENTMAX || method == HFY_SEP_BY_TIES_)) return "alpha";
    if (gamma && (full->plus || (method != HFY_SEP_BY_CONE_ && method != HFY_SEP_BY_NORM_))) return "gamma";
    if (upper && (full->plus || method != HFY_SEP_BY_BOX_ || !full->upper)) return "upper";
    if (lower && (full->plus || method != HFY_SEP_BY_BOX_ || !full->lower)) return "lower";
    return NULL;
}

/* --- the public functions --- */

/* Says why a row has no answer; theta: its n scores, or NULL if they are gone. */
HFY_PRIVATE_ hfy_status hfy_sep_row_failed_(hfy_work *work, hfy_status status, const char *what, size_t row,
                                            const hfy_real *theta, size_t n)
{
    size_t i;
    switch (status) {
    case HFY_ERR_NONFINITE:
        for (i = 0; theta && i < n; i++) {
            double v = (double)theta[i];
            if (hfy_base_is_nan_(v) || hfy_base_is_pos_inf_(v))
                return hfy_base_fail_(work, status, "%s %z: entry %z is %g; scores should be finite or -infinity", what,
                                      row, i, v);
        }
        return hfy_base_fail_(work, status, "%s %z: NaN or infinity where a number should be", what, row);
    case HFY_ERR_ARG:
        return hfy_base_fail_(work, status, "%s %z: too few scores are not masked; at least 1, and k, should be left",
                              what, row);
    case HFY_ERR_INFEASIBLE:
        return hfy_base_fail_(
            work, status, "%s %z: within their bounds its unmasked entries cannot sum to 1 (KSUBSETS: k)", what, row);
    default:
        return hfy_base_fail_(work, status, "%s %z: the result is beyond the range of the number type", what, row);
    }
}

/* Arguments that all functions share. Names the first array that is NULL. */
HFY_PRIVATE_ hfy_status hfy_sep_check_rows_(const hfy_sep *sep, size_t rows, size_t n, const char *missing,
                                            hfy_work *work)
{
    if (!sep) return hfy_base_fail_(work, HFY_ERR_ARG, "sep is NULL");
    if (!n) return hfy_base_fail_(work, HFY_ERR_ARG, "n is 0; it should be at least 1");
    if (!hfy_base_fits_(rows, n, sizeof(double)))
        return hfy_base_fail_(work, HFY_ERR_ARG, "rows %z times n %z: an array of that size cannot exist", rows, n);
    if (rows && missing) return hfy_base_fail_(work, HFY_ERR_ARG, "%s is NULL", missing);
    return hfy_sep_check_(sep, rows, n, "sep->", work);
}

HFY_API hfy_status hfy_sep_apply(const hfy_sep *sep, const hfy_real *theta, size_t rows, size_t n, hfy_real *y,
                                 hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    const hfy_simd_ *simd = hfy_simd_choose_(w);
    hfy_sep_scratch_ scratch;
    hfy_sep full;
    hfy_status status = hfy_sep_check_rows_(sep, rows, n, !theta ? "theta" : !y ? "y" : NULL, w);
    size_t j;
    if (!status && !simd) status = HFY_ERR_UNSUPPORTED;
    if (!status) {
        hfy_sep_plan_(&arena, simd, sep, n, 0, &scratch);
        status = hfy_base_reserve_(w, &arena);
    }
    if (!status) {
        hfy_sep_plan_(&arena, simd, sep, n, 0, &scratch);
        full = hfy_sep_resolve_(sep);
        for (j = 0; j < rows; j++) {
            hfy_status one = hfy_sep_fill_(&full, theta + j * n, n, j, y + j * n, NULL, &scratch);
            if (one && !status) status = hfy_sep_row_failed_(w, one, "theta, row", j, theta + j * n, n);
        }
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_sep_vjp(const hfy_sep *sep, const hfy_real *theta, const hfy_real *y, const hfy_real *dy,
                               size_t rows, size_t n, const hfy_sep_grad *grad, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    const hfy_simd_ *simd = hfy_simd_choose_(w);
    hfy_sep_scratch_ scratch;
    hfy_sep full;
    const char *missing = !y ? "y" : !dy ? "dy" : !grad ? "grad" : NULL;
    hfy_status status;
    size_t j;
    if (sep && !theta && (sep->plus || sep->kind == HFY_SEP_POWER || sep->kind == HFY_SEP_IDENTITY)) missing = "theta";
    status = hfy_sep_check_rows_(sep, rows, n, missing, w);
    if (!status && grad) {
        const char *none;
        full = hfy_sep_resolve_(sep);
        none = hfy_sep_no_gradient_(&full, grad->alpha != NULL, grad->gamma != NULL, grad->upper != NULL,
                                    grad->lower != NULL);
        if (none)
            status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "grad->%s is set, but this separation has no such gradient",
                                    none);
    }
    if (!status && !simd) status = HFY_ERR_UNSUPPORTED;
    if (!status) {
        hfy_sep_plan_(&arena, simd, sep, n, 0, &scratch);
        status = hfy_base_reserve_(w, &arena);
    }
    if (!status && grad) {
        hfy_sep_plan_(&arena, simd, sep, n, 0, &scratch);
        if (grad->alpha) *grad->alpha = 0;
        if (grad->gamma) *grad->gamma = 0;
        for (j = 0; j < (full.bound_stride ? rows : 1); j++) { /* the padding of wide strides is not ours */
            if (grad->upper) memset(grad->upper + j * full.bound_stride, 0, n * sizeof *grad->upper);
            if (grad->lower) memset(grad->lower + j * full.bound_stride, 0, n * sizeof *grad->lower);
        }
        for (j = 0; j < rows; j++) {
            const hfy_real *t = theta ? theta + j * n : NULL;
            hfy_real *out = grad->theta ? grad->theta + j * n : NULL;
            if (full.plus) {
                if (out) hfy_sep_chain_vjp_(&full, t, dy + j * n, n, j, out, &scratch);
            } else {
                hfy_sep_row_vjp_(&full, t, y + j * n, dy + j * n, n, j, out, grad->alpha, grad->gamma,
                                 grad->upper ? grad->upper + j * full.bound_stride : NULL,
                                 grad->lower ? grad->lower + j * full.bound_stride : NULL);
            }
        }
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_sep_value(const hfy_sep *sep, const hfy_real *y, size_t rows, size_t n, double *omega,
                                 hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_sep full;
    hfy_status status = hfy_sep_check_rows_(sep, rows, n, !y ? "y" : !omega ? "omega" : NULL, w);
    size_t i, j;
    if (!status && sep->plus)
        status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED,
                                "sep->plus is set; an infimal convolution has no value in closed form");
    if (!status) {
        full = hfy_sep_resolve_(sep);
        for (j = 0; j < rows; j++) {
            for (i = 0; i < n && !hfy_base_is_nan_((double)y[j * n + i]);) i++;
            if (i == n)
                omega[j] = hfy_sep_omega_(&full, y + j * n, NULL, NULL, n, j);
            else if (!status)
                status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "y, row %z: entry %z is NaN; it should be a number", j,
                                        i);
        }
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_sep_conjugate(const hfy_sep *sep, const hfy_real *theta, size_t rows, size_t n,
                                     double *omega_star, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    const hfy_simd_ *simd = hfy_simd_choose_(w);
    hfy_sep_scratch_ scratch;
    hfy_status status = hfy_sep_check_rows_(sep, rows, n, !theta ? "theta" : !omega_star ? "omega_star" : NULL, w);
    size_t j;
    if (!status && !simd) status = HFY_ERR_UNSUPPORTED;
    if (!status) {
        hfy_sep_plan_(&arena, simd, sep, n, 0, &scratch);
        status = hfy_base_reserve_(w, &arena);
    }
    if (!status) {
        hfy_sep_plan_(&arena, simd, sep, n, 0, &scratch);
        for (j = 0; j < rows; j++) {
            hfy_status one = hfy_sep_conjugate_(sep, theta + j * n, n, j, omega_star + j, &scratch);
            if (one && !status) status = hfy_sep_row_failed_(w, one, "theta, row", j, theta + j * n, n);
        }
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_sep_loss(const hfy_sep *sep, const hfy_real *theta, const hfy_real *y, size_t rows, size_t n,
                                double *loss, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    const hfy_simd_ *simd = hfy_simd_choose_(w);
    hfy_sep_scratch_ scratch;
    hfy_sep full;
    hfy_status status = hfy_sep_check_rows_(sep, rows, n, !theta ? "theta" : !y ? "y" : !loss ? "loss" : NULL, w);
    size_t j;
    if (!status && sep->plus)
        status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED,
                                "sep->plus is set; the loss of a sum of energies is not offered");
    if (!status && !simd) status = HFY_ERR_UNSUPPORTED;
    if (!status) {
        hfy_sep_plan_(&arena, simd, sep, n, 1, &scratch);
        status = hfy_base_reserve_(w, &arena);
    }
    if (!status) {
        hfy_sep_plan_(&arena, simd, sep, n, 1, &scratch);
        full = hfy_sep_resolve_(sep);
        for (j = 0; j < rows; j++) {
            hfy_status one = hfy_sep_loss_(&full, theta + j * n, y + j * n, n, j, loss + j, &scratch);
            if (one && !status) status = hfy_sep_row_failed_(w, one, "theta or y, row", j, theta + j * n, n);
        }
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API double hfy_sep_margin(const hfy_sep *sep)
{
    hfy_work scratch;
    double largest = 0;
    memset(&scratch, 0, sizeof scratch);
    /* bounds have no margin, and an n large enough for any k makes the check one of the parameters alone */
    if (!sep || hfy_sep_has_bounds_(sep)) return HUGE_VAL;
    for (; sep; sep = sep->plus) {
        hfy_sep full = hfy_sep_resolve_(sep);
        double margin = hfy_sep_link_margin_(&full);
        full.plus = NULL;
        if (hfy_sep_has_bounds_(&full) || hfy_sep_check_(&full, 1, SIZE_MAX / 16, "sep->", &scratch)) return HUGE_VAL;
        if (margin > largest) largest = margin;
    }
    return largest;
}

/* ------------------------------------------------------------------------------------------------------------------
   >>post.impl   post-transformations of the projection: q = argmax over dom(Psi) of z.q - Psi(q)
   Shapes: z, q, dq: rows x n; everything is done row by row, and a row depends on no other.   May call: linalg.
   Numerics: a row is made in double in scratch and rounded once, so an error leaves its output alone and q may be z.
   Squares are taken after scaling by a power of two where they could leave the range of double. The mean of a layer
   norm is corrected by a second pass; what is left after centring carries the digits. A row may come with a log_scale:
   the true z is e^log_scale times it. Maps that forget the scale (SIGN, L2, LAYERNORM) or saturate (TANH) then answer
   where the true z would overflow (exponential memory, HFY eq. 12).
   Equations: HFY eq. 9, 12, 14, 38; the rectified power is RATE eq. 3 with softplus(x) = log(1 + e^x); with sigma = 0
   Psi*(z) = sum max(z-theta,0)^(p+1) / (p+1) and Psi(q) = sum theta q + p/(p+1) q^((p+1)/p) on q >= 0, the integrals of
   the map and of its inverse.
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_POST_TOLERANCE_ (8 * HFY_REAL_EPS_ > 1e-9 ? 8 * HFY_REAL_EPS_ : 1e-9) /* of membership in dom Psi */

typedef struct hfy_post_scratch_ {
    double *row;    /* n: the row in the making */
    double *factor; /* for Psi of LINEAR: n x n, the Cholesky factor of the matrix */
} hfy_post_scratch_;

/* --- parameters --- */

/* 1 for 0. By its bits: -ffast-math takes NaN for equal to anything. */
HFY_PRIVATE_ double hfy_post_default_(double value) { return hfy_base_bits_(value) << 1 ? value : 1; }

/* One parameter: finite, and above 0 (positive) or at least 0. */
HFY_PRIVATE_ hfy_status hfy_post_parameter_(double value, int positive, const char *where, const char *name,
                                            hfy_work *work)
{
    const char *link = strcmp(where, "post") ? "." : "->"; /* post->beta, but net->post.beta */
    if (!hfy_base_is_finite_(value))
        return hfy_base_fail_(work, HFY_ERR_ARG, "%s%s%s is %g; it should be finite", where, link, name, value);
    if (value < 0)
        return hfy_base_fail_(work, HFY_ERR_ARG, "%s%s%s is %g; it should be %s 0", where, link, name, value,
                              positive ? "above" : "at least");
    return HFY_OK;
}

/* Fills in all defaults and checks what the kind uses: the rows below take only such a post. where: what messages
   call it, "post" or the path of a member. */
HFY_PRIVATE_ hfy_status hfy_post_check_(const hfy_post *post, size_t n, hfy_post *resolved, const char *where,
                                        hfy_work *work)
{
    const char *link = strcmp(where, "post") ? "." : "->";
    hfy_status status = HFY_OK;
    *resolved = *post;
    resolved->beta = hfy_post_default_(post->beta);
    resolved->radius = hfy_post_default_(post->radius);
    resolved->eta = hfy_post_default_(post->eta);
    resolved->power = hfy_post_default_(post->power);
    if ((unsigned)post->kind > HFY_POST_RECTIFIED_POWER)
        return hfy_base_fail_(work, HFY_ERR_ARG, "%s%skind is %z; it should be one of hfy_post_kind", where, link,
                              (size_t)post->kind);
    switch (post->kind) {
    case HFY_POST_NONE:
    case HFY_POST_SIGN: break;
    case HFY_POST_TANH: status = hfy_post_parameter_(resolved->beta, 1, where, "beta", work); break;
    case HFY_POST_L2:
        status = hfy_post_parameter_(resolved->radius, 1, where, "radius", work);
        if (!status) status = hfy_post_parameter_(resolved->eps, 0, where, "eps", work);
        break;
    case HFY_POST_LAYERNORM:
        if (!post->gain) status = hfy_post_parameter_(resolved->eta, 1, where, "eta", work);
        if (!status) status = hfy_post_parameter_(resolved->eps, 0, where, "eps", work);
        if (!status && post->dof_minus >= n)
            status = hfy_base_fail_(work, HFY_ERR_ARG,
                                    "%s%sdof_minus is %z; it should be below the length of a row, %z", where, link,
                                    post->dof_minus, n);
        break;
    case HFY_POST_LINEAR:
        if (!post->matrix)
            status = hfy_base_fail_(work, HFY_ERR_ARG, "%s%smatrix is NULL; LINEAR needs %z x %z numbers", where, link,
                                    n, n);
        else if (!hfy_base_fits_(n, n, sizeof(hfy_real)))
            status = hfy_base_fail_(work, HFY_ERR_ARG, "%s%smatrix: %z x %z numbers cannot exist", where, link, n, n);
        break;
    case HFY_POST_RECTIFIED_POWER:
        status = hfy_post_parameter_(resolved->power, 1, where, "power", work);
        if (!status) status = hfy_post_parameter_(resolved->sigma, 0, where, "sigma", work);
        if (!status && !hfy_base_is_finite_(post->theta))
            status = hfy_base_fail_(work, HFY_ERR_ARG, "%s%stheta is %g; it should be finite", where, link,
                                    post->theta);
        break;
    }
    return status;
}

/* --- scratch --- */

/* For hfy_post_row_ and hfy_post_row_vjp_. */
HFY_PRIVATE_ void hfy_post_plan_(hfy_base_arena_ *arena, const hfy_post *post, size_t n, hfy_post_scratch_ *scratch)
{
    (void)post; /* all kinds need the same today */
    scratch->row = (double *)hfy_base_take_(arena, n, sizeof *scratch->row);
    scratch->factor = NULL;
}

/* For hfy_post_has_energy_, hfy_post_row_value_ and hfy_post_row_conjugate_; serves the two above as well. */
HFY_PRIVATE_ void hfy_post_plan_value_(hfy_base_arena_ *arena, const hfy_post *post, size_t n,
                                       hfy_post_scratch_ *scratch)
{
    hfy_post_plan_(arena, post, n, scratch);
    if (post->kind == HFY_POST_LINEAR)
        scratch->factor = (double *)hfy_base_take_(arena, hfy_base_times_(n, n), sizeof *scratch->factor);
}

/* --- parts of the maps --- */

/* Multiplies x by a power of two where its squares or their sum could leave the range of double; returns that power. */
HFY_PRIVATE_ double hfy_post_rescale_(double *x, size_t n)
{
    const double high = ldexp(1.0, 450), low = ldexp(1.0, -450);
    double big = 0, scale;
    size_t i;
    for (i = 0; i < n; i++) big = fabs(x[i]) > big ? fabs(x[i]) : big;
    if (!(big > 0) || (big <= high && big >= low)) return 1;
    scale = ldexp(1.0, big > 1 ? -600 : 600);
    for (i = 0; i < n; i++) x[i] *= scale;
    return scale;
}

/* Takes the mean away, in two rounds: the second removes what rounding left of the first. Constant rows are found by
   comparing, so that they become 0 under -ffast-math too. */
HFY_PRIVATE_ void hfy_post_centre_(double *x, size_t n)
{
    size_t i;
    int round, constant = 1;
    for (i = 1; i < n; i++) constant &= x[i] <= x[0] && x[i] >= x[0];
    for (round = 0; round < 2; round++) {
        double mean = 0;
        for (i = 0; i < n; i++) mean += x[i];
        mean = constant ? x[0] : mean / (double)n;
        for (i = 0; i < n; i++) x[i] -= mean;
    }
}

/* What L2 and LAYERNORM share: u = x / sqrt(|x|^2 + e) into row, where x = z, e = eps, or x = z - mean,
   e = eps (n - dof_minus). Returns the root, in units of the true z for log_scale = 0. x = 0 gives u = 0. */
HFY_PRIVATE_ double hfy_post_normalise_(const hfy_post *post, const hfy_real *z, double log_scale, size_t n,
                                        double *row)
{
    double scale, norm, ratio = 0, shrink, root_eps = sqrt(post->eps);
    size_t i;
    for (i = 0; i < n; i++) row[i] = (double)z[i];
    scale = hfy_post_rescale_(row, n);
    if (post->kind == HFY_POST_LAYERNORM) {
        hfy_post_centre_(row, n);
        root_eps *= sqrt((double)(n - post->dof_minus));
    }
    norm = sqrt(hfy_linalg_dot_(row, row, n));
    if (!(norm > 0)) return root_eps;
    if (root_eps > 0) { /* sqrt(e) / |x|, where either may be out of reach of the other */
        ratio = root_eps / norm * scale;
        if (log_scale < 0 || log_scale > 0) ratio = exp(log(root_eps) - log(norm) + log(scale) - log_scale);
    }
    shrink = 1 / hypot(1.0, ratio);
    for (i = 0; i < n; i++) row[i] = row[i] / norm * shrink;
    return hypot(norm / scale, root_eps);
}

/* The rectified power of v = z - theta. Far below the threshold softplus(x) = e^x to the last bit, and e^x underflows
   long before a small power of it does: so its logarithm is raised. */
HFY_PRIVATE_ double hfy_post_rectify_(const hfy_post *post, double v)
{
    double width = post->sigma / 3.14159265358979323846, x, s;
    if (width > 0) {
        x = v / width;
        if (x < -37) return exp(post->power * (log(width) + x));
        s = (v > 0 ? v : 0) + width * log1p(exp(-fabs(x)));
    } else {
        if (!(v > 0)) return 0;
        s = v;
    }
    return post->power < 1 || post->power > 1 ? pow(s, post->power) : s;
}

/* Its derivative. */
HFY_PRIVATE_ double hfy_post_rectify_slope_(const hfy_post *post, double v)
{
    double width = post->sigma / 3.14159265358979323846, p = post->power, slope = p, s = v;
    if (width > 0) {
        double x = v / width, e = exp(-fabs(x));
        if (x < -37) return p * exp(p * (log(width) + x) - log(width)); /* s = e^x width, its slope s / width */
        s = (v > 0 ? v : 0) + width * log1p(e);
        slope *= (x < 0 ? e : 1) / (1 + e);
    } else if (!(v > 0)) {
        return 0;
    }
    return p < 1 || p > 1 ? slope * pow(s, p - 1) : slope;
}

/* <a, x> of a row of the matrix, summed in double. */
HFY_PRIVATE_ double hfy_post_matrix_dot_(const hfy_real *a, const hfy_real *x, size_t n)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    size_t i;
    for (i = 0; i + 4 <= n; i += 4) {
        s0 += (double)a[i] * (double)x[i];
        s1 += (double)a[i + 1] * (double)x[i + 1];
        s2 += (double)a[i + 2] * (double)x[i + 2];
        s3 += (double)a[i + 3] * (double)x[i + 3];
    }
    for (; i < n; i++) s0 += (double)a[i] * (double)x[i];
    return (s0 + s1) + (s2 + s3);
}

HFY_PRIVATE_ int hfy_post_finite_(const hfy_real *x, size_t n)
{
    size_t i;
    int finite = 1;
    for (i = 0; i < n; i++) finite &= hfy_base_is_finite_((double)x[i]);
    return finite;
}

/* e^log_scale x with half = e^(log_scale/2): in two steps, so that only the product can overflow. */
HFY_PRIVATE_ double hfy_post_unscale_(double x, double half) { return x > 0 || x < 0 ? x * half * half : x; }

/* --- one row: parameters checked, z of length n --- */

/* q = map(e^log_scale z). previous: what sign(0) keeps, or NULL. q may be z or previous.
   HFY_ERR_NONFINITE leaves q untouched: z not finite, or an answer beyond the range of hfy_real. */
HFY_PRIVATE_ hfy_status hfy_post_row_(const hfy_post *post, const hfy_real *z, double log_scale,
                                      const hfy_real *previous, size_t n, hfy_real *q, const hfy_post_scratch_ *scratch)
{
    double *row = scratch->row, half, t, dof;
    const int scaled = log_scale < 0 || log_scale > 0;
    size_t i;
    if (!hfy_post_finite_(z, n)) return HFY_ERR_NONFINITE;
    half = scaled ? exp(0.5 * log_scale) : 1;
    switch (post->kind) {
    case HFY_POST_NONE:
        if (!scaled) {
            memmove(q, z, n * sizeof *q);
            return HFY_OK;
        }
        for (i = 0; i < n; i++) row[i] = hfy_post_unscale_((double)z[i], half);
        break;
    case HFY_POST_TANH:
        for (i = 0; i < n; i++) {
            t = (double)z[i];
            if (!scaled)
                row[i] = tanh(post->beta * t);
            else if (t > 0 || t < 0)
                row[i] = (t > 0 ? 1 : -1) * tanh(exp(log(post->beta) + log_scale + log(fabs(t))));
            else
                row[i] = 0;
        }
        break;
    case HFY_POST_SIGN:
        for (i = 0; i < n; i++) row[i] = z[i] > 0 ? 1 : z[i] < 0 ? -1 : previous ? (double)previous[i] : 0;
        break;
    case HFY_POST_L2:
        hfy_post_normalise_(post, z, log_scale, n, row);
        for (i = 0; i < n; i++) row[i] *= post->radius;
        break;
    case HFY_POST_LAYERNORM:
        hfy_post_normalise_(post, z, log_scale, n, row);
        dof = sqrt((double)(n - post->dof_minus));
        for (i = 0; i < n; i++)
            row[i] = (post->gain ? (double)post->gain[i] : post->eta) * (dof * row[i]) +
                     (post->delta ? (double)post->delta[i] : 0);
        break;
    case HFY_POST_LINEAR:
        for (i = 0; i < n; i++)
            row[i] = hfy_post_unscale_(hfy_post_matrix_dot_(post->matrix + i * n, z, n), half);
        break;
    case HFY_POST_RECTIFIED_POWER:
        for (i = 0; i < n; i++) {
            t = hfy_post_unscale_((double)z[i], half);
            if (hfy_base_is_finite_(t))
                row[i] = hfy_post_rectify_(post, t - post->theta);
            else /* theta is nothing beside it */
                row[i] = z[i] > 0 ? exp(post->power * (log_scale + log((double)z[i]))) : 0;
        }
        break;
    }
    for (i = 0; i < n; i++)
        if (!hfy_base_is_finite_(row[i]) || fabs(row[i]) > HFY_REAL_MAX_) return HFY_ERR_NONFINITE;
    for (i = 0; i < n; i++) q[i] = (hfy_real)row[i];
    return HFY_OK;
}

/* dz = J(z)^T dq; dz may be dq or z. NaN and infinity are carried through. */
HFY_PRIVATE_ void hfy_post_row_vjp_(const hfy_post *post, const hfy_real *z, const hfy_real *dq, size_t n, hfy_real *dz,
                                    const hfy_post_scratch_ *scratch)
{
    double *row = scratch->row, root, dot = 0, mean = 0, gain;
    size_t i, j;
    switch (post->kind) {
    case HFY_POST_NONE: memmove(dz, dq, n * sizeof *dz); break;
    case HFY_POST_TANH: /* 1 - tanh^2 = 4e / (1+e)^2, e = e^(-2|beta z|): no cancellation where it is small */
        for (i = 0; i < n; i++) {
            double e = exp(-2 * fabs(post->beta * (double)z[i]));
            dz[i] = (hfy_real)(4 * e / ((1 + e) * (1 + e)) * post->beta * (double)dq[i]);
        }
        break;
    case HFY_POST_SIGN:
        for (i = 0; i < n; i++) dz[i] = 0;
        break;
    case HFY_POST_L2: /* radius/root (I - u u^T) */
        root = hfy_post_normalise_(post, z, 0, n, row);
        root = root > 0 ? post->radius / root : 0;
        for (i = 0; i < n; i++) dot += row[i] * (double)dq[i];
        for (i = 0; i < n; i++) dz[i] = (hfy_real)(root * ((double)dq[i] - row[i] * dot));
        break;
    case HFY_POST_LAYERNORM: /* sqrt(dof)/root (I - 1 1^T/n - u u^T) gain */
        root = hfy_post_normalise_(post, z, 0, n, row);
        root = root > 0 ? sqrt((double)(n - post->dof_minus)) / root : 0;
        for (i = 0; i < n; i++) {
            gain = post->gain ? (double)post->gain[i] : post->eta;
            mean += gain * (double)dq[i];
            dot += row[i] * (gain * (double)dq[i]);
        }
        mean /= (double)n;
        for (i = 0; i < n; i++) {
            gain = post->gain ? (double)post->gain[i] : post->eta;
            dz[i] = (hfy_real)(root * (gain * (double)dq[i] - mean - row[i] * dot));
        }
        break;
    case HFY_POST_LINEAR:
        for (j = 0; j < n; j++) row[j] = 0;
        for (i = 0; i < n; i++) {
            const hfy_real *a = post->matrix + i * n;
            double v = (double)dq[i];
            for (j = 0; j < n; j++) row[j] += v * (double)a[j];
        }
        for (j = 0; j < n; j++) dz[j] = (hfy_real)row[j];
        break;
    case HFY_POST_RECTIFIED_POWER:
        for (i = 0; i < n; i++)
            dz[i] = (hfy_real)(hfy_post_rectify_slope_(post, (double)z[i] - post->theta) * (double)dq[i]);
        break;
    }
}

/* Is there a Psi? Asked once before the two functions below; leaves in scratch what they need.
   HFY_ERR_UNSUPPORTED with its reason if there is none. */
HFY_PRIVATE_ hfy_status hfy_post_has_energy_(const hfy_post *post, size_t n, const hfy_post_scratch_ *scratch,
                                             hfy_work *work)
{
    const double tol = 8 * HFY_REAL_EPS_ > 1e-12 ? 8 * HFY_REAL_EPS_ : 1e-12;
    const hfy_real *a = post->matrix;
    double *l = scratch->factor, big = 0;
    size_t i, j;
    if (post->kind == HFY_POST_LAYERNORM && post->gain)
        return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED,
                              "no Psi exists for LAYERNORM with a vector of gains; eta, one for all, has one");
    if (post->kind == HFY_POST_RECTIFIED_POWER && post->sigma > 0)
        return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED,
                              "Psi of RECTIFIED_POWER is there for sigma = 0 only; sigma is %g", post->sigma);
    if (post->kind != HFY_POST_LINEAR) return HFY_OK;
    for (i = 0; i < n * n; i++) {
        if (!hfy_base_is_finite_((double)a[i]))
            return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "no Psi exists for LINEAR: matrix[%z][%z] is %g", i / n,
                                  i % n, (double)a[i]);
        big = fabs((double)a[i]) > big ? fabs((double)a[i]) : big;
    }
    for (i = 0; i < n; i++)
        for (j = 0; j <= i; j++) {
            double low = (double)a[i * n + j], high = (double)a[j * n + i];
            if (fabs(0.5 * low - 0.5 * high) > 0.5 * tol * big)
                return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED,
                                      "no Psi exists for LINEAR: matrix[%z][%z] is %g but [%z][%z] is %g", i, j, low, j,
                                      i, high);
            l[i * n + j] = 0.5 * low + 0.5 * high;
        }
    if (hfy_linalg_cholesky_(l, n))
        return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED,
                              "no Psi exists for LINEAR: its matrix is not positive definite");
    return HFY_OK;
}

/* *psi = Psi(q), HUGE_VAL outside its domain. HFY_ERR_NONFINITE: NaN in q. */
HFY_PRIVATE_ hfy_status hfy_post_row_value_(const hfy_post *post, const hfy_real *q, size_t n, double *psi,
                                            const hfy_post_scratch_ *scratch)
{
    double *row = scratch->row, sum = 0, radius, norm, scale, reach, off = 0, p;
    size_t i;
    int outside = 0;
    for (i = 0; i < n; i++) {
        if (hfy_base_is_nan_((double)q[i])) return HFY_ERR_NONFINITE;
        if (!hfy_base_is_finite_((double)q[i])) outside = 1;
        row[i] = (double)q[i];
    }
    if (!outside) switch (post->kind) {
        case HFY_POST_NONE: sum = 0.5 * hfy_linalg_dot_(row, row, n); break;
        case HFY_POST_TANH:
        case HFY_POST_SIGN:
            for (i = 0; i < n; i++) {
                double a = fabs(row[i]), b;
                if (a > 1 + 2 * HFY_POST_TOLERANCE_) outside = 1;
                if (post->kind == HFY_POST_SIGN || !(a < 1)) continue;
                b = 0.5 * (1 - a); /* (1+a)/2 log((1+a)/2) + b log b */
                sum += (1 - b) * log1p(-b) + b * log(b);
            }
            if (post->kind == HFY_POST_TANH) sum /= post->beta;
            break;
        case HFY_POST_L2:
            scale = hfy_post_rescale_(row, n);
            norm = sqrt(hfy_linalg_dot_(row, row, n)) / scale;
            radius = post->radius;
            if (norm > radius + HFY_POST_TOLERANCE_ * (1 + radius)) outside = 1;
            if (post->eps > 0 && norm < radius) sum = -sqrt(post->eps) * (sqrt(radius - norm) * sqrt(radius + norm));
            break;
        case HFY_POST_LAYERNORM:
            radius = sqrt((double)(n - post->dof_minus));
            sum = -sqrt(post->eps) * radius;
            radius *= post->eta;
            reach = radius; /* the largest norm in the domain: delta counts, its digits are rounded with q's */
            if (post->delta) {
                for (i = 0; i < n; i++) row[i] = (double)post->delta[i];
                scale = hfy_post_rescale_(row, n);
                reach += sqrt(hfy_linalg_dot_(row, row, n)) / scale;
                for (i = 0; i < n; i++) row[i] = (double)q[i] - (double)post->delta[i];
            }
            scale = hfy_post_rescale_(row, n);
            for (i = 0; i < n; i++) off += row[i];
            off = fabs(off) / sqrt((double)n) / scale; /* distance from the plane through delta */
            norm = sqrt(hfy_linalg_dot_(row, row, n)) / scale;
            reach = HFY_POST_TOLERANCE_ * (1 + reach);
            if (off > reach || norm > radius + reach) outside = 1;
            sum = post->eps > 0 && norm < radius ? sum * (sqrt(radius - norm) * sqrt(radius + norm)) : 0;
            break;
        case HFY_POST_LINEAR:
            hfy_linalg_cholesky_forward_(scratch->factor, n, row);
            sum = 0.5 * hfy_linalg_dot_(row, row, n);
            break;
        case HFY_POST_RECTIFIED_POWER:
            p = post->power;
            for (i = 0; i < n; i++) {
                if (row[i] < -HFY_POST_TOLERANCE_) outside = 1;
                if (row[i] > 0) sum += row[i] * (post->theta + p / (p + 1) * pow(row[i], 1 / p));
            }
            break;
        }
    *psi = outside ? HUGE_VAL : sum;
    return HFY_OK;
}

/* *psi_star = Psi*(z). HFY_ERR_NONFINITE: z not finite. */
HFY_PRIVATE_ hfy_status hfy_post_row_conjugate_(const hfy_post *post, const hfy_real *z, size_t n, double *psi_star,
                                                const hfy_post_scratch_ *scratch)
{
    double sum = 0, root, v;
    size_t i;
    if (!hfy_post_finite_(z, n)) return HFY_ERR_NONFINITE;
    switch (post->kind) {
    case HFY_POST_NONE: sum = 0.5 * hfy_post_matrix_dot_(z, z, n); break;
    case HFY_POST_TANH: /* 1/beta log(2 cosh(beta z)) */
        for (i = 0; i < n; i++) {
            v = fabs((double)z[i]);
            sum += v + log1p(exp(-2 * post->beta * v)) / post->beta;
        }
        break;
    case HFY_POST_SIGN:
        for (i = 0; i < n; i++) sum += fabs((double)z[i]);
        break;
    case HFY_POST_L2: sum = post->radius * hfy_post_normalise_(post, z, 0, n, scratch->row); break;
    case HFY_POST_LAYERNORM:
        root = hfy_post_normalise_(post, z, 0, n, scratch->row);
        sum = post->eta * sqrt((double)(n - post->dof_minus)) * root;
        if (post->delta) sum += hfy_post_matrix_dot_(post->delta, z, n);
        break;
    case HFY_POST_LINEAR:
        for (i = 0; i < n; i++) sum += 0.5 * (double)z[i] * hfy_post_matrix_dot_(post->matrix + i * n, z, n);
        break;
    case HFY_POST_RECTIFIED_POWER:
        for (i = 0; i < n; i++) {
            v = (double)z[i] - post->theta;
            if (v > 0) sum += pow(v, post->power + 1) / (post->power + 1);
        }
        break;
    }
    *psi_star = sum;
    return HFY_OK;
}

/* --- the public functions --- */

/* What they all check first. in, out: the arrays that rows > 0 needs, with their names. */
HFY_PRIVATE_ hfy_status hfy_post_arguments_(const hfy_post *post, size_t rows, size_t n, const void *in,
                                            const char *in_name, const void *out, const char *out_name,
                                            hfy_post *resolved, hfy_work *work)
{
    if (!post) return hfy_base_fail_(work, HFY_ERR_ARG, "post is NULL");
    if (!n) return hfy_base_fail_(work, HFY_ERR_ARG, "n is 0; a row should hold at least 1 number");
    if (!hfy_base_fits_(rows, n, sizeof(hfy_real)))
        return hfy_base_fail_(work, HFY_ERR_ARG, "rows %z, n %z: an array of that size cannot exist", rows, n);
    if (rows && (!in || !out)) return hfy_base_fail_(work, HFY_ERR_ARG, "%s is NULL", !in ? in_name : out_name);
    return hfy_post_check_(post, n, resolved, "post", work);
}

/* The message for a row without an answer: the entry that is to blame (NaN before infinity), or its result. */
HFY_PRIVATE_ hfy_status hfy_post_blame_(const hfy_real *x, const char *name, size_t row, size_t n, hfy_status status,
                                        hfy_work *work)
{
    size_t i, bad = n;
    for (i = 0; i < n; i++) {
        if (bad == n && !hfy_base_is_finite_((double)x[i])) bad = i;
        if (hfy_base_is_nan_((double)x[i])) break;
    }
    if (i < n) bad = i;
    if (bad < n)
        return hfy_base_fail_(work, status, "%s[%z] of row %z is %g; it should be finite", name, bad, row,
                              (double)x[bad]);
    return hfy_base_fail_(work, status, "row %z: the result is not finite in hfy_real", row);
}

HFY_API hfy_status hfy_post_apply(const hfy_post *post, const hfy_real *z, const hfy_real *previous, size_t rows,
                                  size_t n, hfy_real *q, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_post resolved;
    hfy_post_scratch_ scratch;
    hfy_status status = hfy_post_arguments_(post, rows, n, z, "z", q, "q", &resolved, w), row_status;
    size_t j;
    if (!status) {
        hfy_post_plan_(&arena, &resolved, n, &scratch);
        status = hfy_base_reserve_(w, &arena);
    }
    if (!status) {
        hfy_post_plan_(&arena, &resolved, n, &scratch);
        for (j = 0; j < rows; j++) {
            const hfy_real *kept = previous ? previous + j * n : NULL;
            row_status = hfy_post_row_(&resolved, z + j * n, 0, kept, n, q + j * n, &scratch);
            if (row_status && !status) status = hfy_post_blame_(z + j * n, "z", j, n, row_status, w);
        }
    }
    return hfy_base_close_(w, &local, status);
}

/* Gradients of the parameters, which sum over the rows. sum: 2n (LAYERNORM) or n (LINEAR) doubles. */
HFY_PRIVATE_ void hfy_post_vjp_parameters_(const hfy_post *post, const hfy_real *z, const hfy_real *dq, size_t rows,
                                           size_t n, const hfy_post_grad *grad, double *sum,
                                           const hfy_post_scratch_ *scratch)
{
    size_t i, j, r;
    if (post->kind == HFY_POST_LAYERNORM && (grad->gain || grad->delta)) {
        const double dof = sqrt((double)(n - post->dof_minus));
        for (i = 0; i < 2 * n; i++) sum[i] = 0;
        for (r = 0; r < rows; r++) {
            const hfy_real *v = dq + r * n;
            hfy_post_normalise_(post, z + r * n, 0, n, scratch->row);
            for (i = 0; i < n; i++) {
                sum[i] += (double)v[i] * (dof * scratch->row[i]);
                sum[n + i] += (double)v[i];
            }
        }
        if (grad->gain)
            for (i = 0; i < n; i++) grad->gain[i] = (hfy_real)sum[i];
        if (grad->delta)
            for (i = 0; i < n; i++) grad->delta[i] = (hfy_real)sum[n + i];
    }
    if (post->kind == HFY_POST_LINEAR && grad->matrix)
        for (i = 0; i < n; i++) { /* row i of dA = sum over the rows of dq_i z */
            for (j = 0; j < n; j++) sum[j] = 0;
            for (r = 0; r < rows; r++) {
                const hfy_real *x = z + r * n;
                double v = (double)dq[r * n + i];
                for (j = 0; j < n; j++) sum[j] += v * (double)x[j];
            }
            for (j = 0; j < n; j++) grad->matrix[i * n + j] = (hfy_real)sum[j];
        }
}

HFY_API hfy_status hfy_post_vjp(const hfy_post *post, const hfy_real *z, const hfy_real *dq, size_t rows, size_t n,
                                const hfy_post_grad *grad, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_post resolved;
    hfy_post_scratch_ scratch;
    hfy_status status = hfy_post_arguments_(post, rows, n, z, "z", dq, "dq", &resolved, w);
    double *sum = NULL;
    size_t j;
    int pass;
    if (!status && !grad) status = hfy_base_fail_(w, HFY_ERR_ARG, "grad is NULL");
    if (!status && (grad->gain || grad->delta) && resolved.kind != HFY_POST_LAYERNORM)
        status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "grad->%s should be NULL: only LAYERNORM has it",
                                grad->gain ? "gain" : "delta");
    if (!status && grad->matrix && resolved.kind != HFY_POST_LINEAR)
        status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "grad->matrix should be NULL: only LINEAR has it");
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_post_plan_(&arena, &resolved, n, &scratch);
        sum = (double *)hfy_base_take_(&arena, hfy_base_times_(2, n), sizeof *sum);
    }
    if (!status) {
        hfy_post_vjp_parameters_(&resolved, z, dq, rows, n, grad, sum, &scratch); /* first: grad->z may be dq */
        for (j = 0; grad->z && j < rows; j++)
            hfy_post_row_vjp_(&resolved, z + j * n, dq + j * n, n, grad->z + j * n, &scratch);
    }
    return hfy_base_close_(w, &local, status);
}

/* Psi and Psi* differ only in what a row calls. */
typedef hfy_status hfy_post_functional_(const hfy_post *post, const hfy_real *x, size_t n, double *value,
                                        const hfy_post_scratch_ *scratch);

HFY_PRIVATE_ hfy_status hfy_post_rows_(hfy_post_functional_ *functional, const hfy_post *post, const hfy_real *x,
                                       const char *x_name, size_t rows, size_t n, double *value, const char *value_name,
                                       hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_post resolved;
    hfy_post_scratch_ scratch;
    hfy_status status = hfy_post_arguments_(post, rows, n, x, x_name, value, value_name, &resolved, w), row_status;
    size_t j;
    if (!status) {
        hfy_post_plan_value_(&arena, &resolved, n, &scratch);
        status = hfy_base_reserve_(w, &arena);
    }
    if (!status) {
        hfy_post_plan_value_(&arena, &resolved, n, &scratch);
        status = hfy_post_has_energy_(&resolved, n, &scratch, w);
    }
    if (!status)
        for (j = 0; j < rows; j++) {
            row_status = functional(&resolved, x + j * n, n, value + j, &scratch);
            if (row_status && !status) status = hfy_post_blame_(x + j * n, x_name, j, n, row_status, w);
        }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_post_value(const hfy_post *post, const hfy_real *q, size_t rows, size_t n, double *psi,
                                  hfy_work *work)
{
    return hfy_post_rows_(hfy_post_row_value_, post, q, "q", rows, n, psi, "psi", work);
}

HFY_API hfy_status hfy_post_conjugate(const hfy_post *post, const hfy_real *z, size_t rows, size_t n, double *psi_star,
                                      hfy_work *work)
{
    return hfy_post_rows_(hfy_post_row_conjugate_, post, z, "z", rows, n, psi_star, "psi_star", work);
}

#undef HFY_POST_TOLERANCE_

/* ------------------------------------------------------------------------------------------------------------------
   >>net.impl   the one walk:  q -> theta = beta sim(K, q) + bias -> p -> z = V^T p - c o q -> f(q) -> q + step (f(q)
   - q)
   May call: base, simd, sim, index, sep, post.
   Numerics: queries run in tiles that share one read of the keys; a query that stands still leaves its tile. Nothing
   of a query's arithmetic depends on its tile, nor on the number of workers: canonical dots; rows added in ascending
   order inside folds of a few hundred (so that rounding does not pile up over a large memory), folds inside segments,
   segments one after another, all with bounds that depend on the net alone.
   How a tile gets from scores to projections, in one pass over the keys unless the report asks for all the weights:
     lists   a separation with a margin: keep the candidates within the margin of the best score so far (or of the k-th
             best), solve on those, add the rows of the support. The same bits as `plain`. With an index, its short
             rows say which few keys to score.
     sums    SOFTMAX, EXP, IDENTITY, POWER: running maximum, rescaled sums. Equal to `plain` up to rounding.
     plain   whole rows of scores, in tiles of few queries
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_NET_TILE_ 64                  /* queries of a tile at most */
#define HFY_NET_TILE_BYTES_ (2048 * 1024) /* plain: bytes of scores at most, as long as that leaves a query */
#define HFY_NET_BLOCK_BYTES_ (128 * 1024) /* keys of a block: they stay in the cache between scores and projection */
#define HFY_NET_FOLD_ 256                 /* rows of a fold at least; entries of a list's fold */
#define HFY_NET_SEGMENT_ 4096             /* rows of a segment, about: what one worker takes at a time */
#define HFY_NET_LISTED_ 32768             /* candidates of a tile, over all its queries */

typedef enum hfy_net_mode_ { HFY_NET_PLAIN_, HFY_NET_LISTS_, HFY_NET_SUMS_ } hfy_net_mode_;

/* A call's net with every default filled in, and what all its tiles share. */
typedef struct hfy_net_run_ {
    hfy_net net;
    hfy_sep sep;
    hfy_post post;
    const hfy_simd_ *simd;
    double *inverse_norms; /* COSINE: 1/|x_i| */
    hfy_index_seek_ seek;  /* lists with an index */
    hfy_net_mode_ mode;
    int needs_step;    /* 0: one step into a readout that asks for nothing else: no projection onto values */
    int exponential;   /* sums: SOFTMAX or EXP */
    int by_rank;       /* lists: candidates count from the k-th best */
    double margin;     /* lists: how far below */
    double negligible; /* sums: weights this far below the running maximum add nothing: -log */
    size_t tile;       /* queries of a tile */
    size_t block;      /* rows of a block */
    size_t fold;       /* rows of a fold: whole blocks */
    size_t segment;    /* rows of a segment: whole folds */
    size_t capacity;   /* lists: candidates of one query */
    size_t workers;    /* that share one tile's keys */
} hfy_net_run_;

/* The candidates of one query so far. */
typedef struct hfy_net_list_ {
    size_t *index; /* ascending */
    double *theta;
    size_t count, capacity;
    double top;        /* the best score so far; by rank: the k-th best of a recent past */
    int overflow;      /* more candidates than capacity */
    hfy_status status; /* NaN or +infinity met */
} hfy_net_list_;

/* The sums of one query so far: sum of e^(theta - top), and elsewhere e^(theta - top) x summed. */
typedef struct hfy_net_sum_ {
    double top, sum;
    size_t best;       /* where the top is */
    hfy_status status; /* NaN or +infinity met */
} hfy_net_sum_;

/* What a worker streams a segment of the keys in. */
typedef struct hfy_net_stream_ {
    hfy_real *scores;    /* tile x block */
    size_t *at;          /* block: candidates of a block */
    double *distance;    /* block, by rank: capacity */
    hfy_net_list_ *list; /* lists: tile */
    hfy_net_sum_ *sum;   /* sums: tile */
    hfy_real *z;         /* sums, plain: tile x width */
    hfy_net_sum_ *fold;  /* sums: tile */
    hfy_real *part;      /* tile x width (lists: width): a fold */
} hfy_net_stream_;

/* What one tile works in. */
typedef struct hfy_net_scratch_ {
    hfy_sep_scratch_ sep;
    hfy_post_scratch_ post;
    hfy_net_stream_ *stream; /* workers */
    hfy_net_list_ *list;     /* lists: tile */
    hfy_index_scratch_ index; /* lists with an index */
    hfy_net_sum_ *sum;       /* sums: tile */
    hfy_real *scores;        /* plain: tile x N: scores, then weights of kinds that fill */
    hfy_real *q;             /* tile x D: the queries still running, one after another */
    hfy_real *before;        /* sums into a readout, many steps: the states before the last move */
    hfy_real *z;             /* tile x D */
    hfy_real *f;             /* D */
    hfy_real *out;           /* tile x readout_dim */
    double *inverse_q;       /* tile */
    double *log_scale;       /* tile */
    size_t *who;             /* tile: which query sits in which place */
    size_t *step;            /* tile: and how many steps it has made */
    size_t *limit;           /* tile: how many it may make */
    hfy_real *mark;          /* tile x D: a state it was in before */
    size_t *marked;          /* tile: and after how many steps */
    size_t *cycle;           /* tile: 0, or the length of the cycle that was found */
    hfy_status *status;      /* tile */
    unsigned char *ended;    /* tile: 1 = made its last step, 2 = and its last energy is known */
    size_t made;             /* steps that the last query to end has made */
} hfy_net_scratch_;

HFY_PRIVATE_ int hfy_net_on_polytope_(const hfy_sep *sep)
{
    return sep->kind != HFY_SEP_IDENTITY && sep->kind != HFY_SEP_POWER && sep->kind != HFY_SEP_EXP;
}

HFY_PRIVATE_ hfy_status hfy_net_bad_size_(hfy_work *work, const char *what, size_t value, const char *wanted,
                                          size_t bound)
{
    return hfy_base_fail_(work, HFY_ERR_ARG, "net->%s is %z; it should be %s %z", what, value, wanted, bound);
}

HFY_PRIVATE_ hfy_status hfy_net_too_large_(hfy_work *work, const char *what, size_t value, const char *times,
                                           size_t rows)
{
    return hfy_base_fail_(work, HFY_ERR_ARG, "net->%s is %z: with a %s of %z such an array cannot exist", what, value,
                          times, rows);
}

/* Everything that can be wrong with a net for this many queries; fills in the defaults. */
HFY_PRIVATE_ hfy_status hfy_net_resolve_(const hfy_net *net, size_t n_queries, hfy_net *full, hfy_work *work)
{
    hfy_status status;
    if (!net) return hfy_base_fail_(work, HFY_ERR_ARG, "net is NULL");
    *full = *net;
    if (!net->dim) return hfy_net_bad_size_(work, "dim", 0, "at least", 1);
    if (!net->count) return hfy_net_bad_size_(work, "count", 0, "at least", 1);
    if (!net->keys) return hfy_base_fail_(work, HFY_ERR_ARG, "net->keys is NULL");
    if (!full->key_stride) full->key_stride = net->dim;
    if (full->key_stride < net->dim)
        return hfy_net_bad_size_(work, "key_stride", net->key_stride, "0 or at least dim,", net->dim);
    if (!net->values) {
        full->values = net->keys;
        full->value_stride = full->key_stride;
    }
    if (!full->value_stride) full->value_stride = net->dim;
    if (full->value_stride < net->dim)
        return hfy_net_bad_size_(work, "value_stride", net->value_stride, "0 or at least dim,", net->dim);
    if (!net->readout) full->readout_dim = full->readout_stride = 0;
    if (net->readout && !net->readout_dim)
        return hfy_net_bad_size_(work, "readout_dim", 0, "with a readout at least", 1);
    if (net->readout && !full->readout_stride) full->readout_stride = full->readout_dim;
    if (full->readout_stride < full->readout_dim)
        return hfy_net_bad_size_(work, "readout_stride", net->readout_stride, "0 or at least readout_dim,",
                                 net->readout_dim);
    if (full->bias_stride && full->bias_stride < net->count)
        return hfy_net_bad_size_(work, "bias_stride", net->bias_stride, "0 or at least count,", net->count);
    if (!hfy_base_fits_(net->count, full->key_stride, sizeof(hfy_real)))
        return hfy_net_too_large_(work, net->key_stride ? "key_stride" : "dim", full->key_stride, "count", net->count);
    if (!hfy_base_fits_(net->count, full->value_stride, sizeof(hfy_real)))
        return hfy_net_too_large_(work, "value_stride", full->value_stride, "count", net->count);
    if (!hfy_base_fits_(net->count, full->readout_stride, sizeof(hfy_real)))
        return hfy_net_too_large_(work, "readout_stride", full->readout_stride, "count", net->count);
    if (full->bias && !hfy_base_fits_(n_queries, full->bias_stride, sizeof(hfy_real)))
        return hfy_net_too_large_(work, "bias_stride", full->bias_stride, "n_queries", n_queries);
    if (!hfy_base_fits_(n_queries, net->dim > full->readout_dim ? net->dim : full->readout_dim, sizeof(double)))
        return hfy_net_too_large_(work, "dim", net->dim, "n_queries", n_queries);
    if ((unsigned)net->sim > HFY_SIM_MANHATTAN)
        return hfy_base_fail_(work, HFY_ERR_ARG, "net->sim is %z; it should be one of hfy_sim", (size_t)net->sim);
    if (!(net->beta >= 0 && hfy_base_is_finite_(net->beta)))
        return hfy_base_fail_(work, HFY_ERR_ARG,
                              "net->beta is %g; it should be above 0 and finite, or 0 for the default", net->beta);
    if (!(net->beta > 0))
        full->beta = net->sim == HFY_SIM_DOT && hfy_net_on_polytope_(&net->sep) ? 1 / sqrt((double)net->dim) : 1;
    if (!(net->step >= 0 && net->step <= 1))
        return hfy_base_fail_(work, HFY_ERR_ARG, "net->step is %g; it should be above 0 and at most 1, or 0 for 1",
                              net->step);
    if (!(net->step > 0)) full->step = 1;
    if (!(net->tol >= 0)) return hfy_base_fail_(work, HFY_ERR_ARG, "net->tol is %g; it should be at least 0", net->tol);
    if (!net->max_steps) full->max_steps = 1;
    status = hfy_sep_check_(&net->sep, n_queries, net->count, "net->sep.", work);
    if (status) return status;
    full->sep = hfy_sep_resolve_(&net->sep);
    return hfy_post_check_(&net->post, net->dim, &full->post, "net->post", work);
}

/* Is there an energy? Says why not. */
HFY_PRIVATE_ hfy_status hfy_net_has_energy_(const hfy_net *full, hfy_post_scratch_ *scratch, hfy_work *work)
{
    if (full->sim != HFY_SIM_DOT)
        return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED,
                              "net->sim is not HFY_SIM_DOT; only dot products have an energy");
    if (full->values != full->keys || full->value_stride != full->key_stride)
        return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->values are not the keys; such a net has no energy");
    return hfy_post_has_energy_(&full->post, full->dim, scratch, work);
}

/* The longest row that a projection makes. */
HFY_PRIVATE_ size_t hfy_net_width_(const hfy_net *net)
{
    return net->dim > net->readout_dim ? net->dim : net->readout_dim;
}

HFY_PRIVATE_ hfy_net_list_ *hfy_net_plan_lists_(hfy_base_arena_ *arena, const hfy_net_run_ *run)
{
    size_t j, room = hfy_base_times_(run->tile, run->capacity);
    hfy_net_list_ *list = (hfy_net_list_ *)hfy_base_take_(arena, run->tile, sizeof *list);
    size_t *index = (size_t *)hfy_base_take_(arena, room, sizeof *index);
    double *theta = (double *)hfy_base_take_(arena, room, sizeof *theta);
    for (j = 0; list && j < run->tile; j++) {
        list[j].index = index + j * run->capacity;
        list[j].theta = theta + j * run->capacity;
        list[j].capacity = run->capacity;
    }
    return list;
}

HFY_PRIVATE_ void hfy_net_plan_stream_(hfy_base_arena_ *arena, const hfy_net_run_ *run, hfy_net_stream_ *t)
{
    size_t lists = run->mode == HFY_NET_LISTS_, one_pass = run->mode != HFY_NET_PLAIN_ && !run->seek.index;
    t->scores = (hfy_real *)hfy_base_take_(arena, one_pass * hfy_base_times_(run->tile, run->block), sizeof(hfy_real));
    t->at = (size_t *)hfy_base_take_(arena, lists * one_pass * run->block, sizeof(size_t));
    t->distance = (double *)hfy_base_take_(
        arena, lists * one_pass * (run->block > run->capacity ? run->block : run->capacity), sizeof(double));
    t->sum = (hfy_net_sum_ *)hfy_base_take_(arena, run->tile, sizeof(hfy_net_sum_));
    t->z = (hfy_real *)hfy_base_take_(arena, !lists * hfy_base_times_(run->tile, hfy_net_width_(&run->net)),
                                      sizeof(hfy_real));
    t->fold = (hfy_net_sum_ *)hfy_base_take_(arena, run->tile, sizeof(hfy_net_sum_));
    t->part = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(lists ? 1 : run->tile, hfy_net_width_(&run->net)),
                                         sizeof(hfy_real));
    t->list = lists && one_pass ? hfy_net_plan_lists_(arena, run) : NULL;
}

/* energies: the plan is for a call that evaluates energies too. */
HFY_PRIVATE_ void hfy_net_plan_(hfy_base_arena_ *arena, const hfy_net_run_ *run, int energies, hfy_net_scratch_ *s)
{
    const hfy_net *net = &run->net;
    size_t t = run->tile, i, plain = run->mode == HFY_NET_PLAIN_;
    hfy_sep_plan_(arena, run->simd, &net->sep, net->count, 0, &s->sep);
    if (energies)
        hfy_post_plan_value_(arena, &run->post, net->dim, &s->post);
    else
        hfy_post_plan_(arena, &run->post, net->dim, &s->post);
    s->stream = (hfy_net_stream_ *)hfy_base_take_(arena, run->workers, sizeof *s->stream);
    for (i = 0; i < run->workers; i++) {
        hfy_net_stream_ counted;
        hfy_net_plan_stream_(arena, run, s->stream ? s->stream + i : &counted);
    }
    s->list = run->mode == HFY_NET_LISTS_ && !run->seek.index ? hfy_net_plan_lists_(arena, run) : NULL;
    if (run->seek.index) hfy_index_plan_(arena, run->seek.index, run->seek.kth, t, &s->index);
    s->sum = (hfy_net_sum_ *)hfy_base_take_(arena, t, sizeof *s->sum);
    s->scores = (hfy_real *)hfy_base_take_(arena, plain * hfy_base_times_(t, net->count), sizeof(hfy_real));
    s->q = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(t, net->dim), sizeof(hfy_real));
    s->before = (hfy_real *)hfy_base_take_(arena, net->readout && net->max_steps > 1 ? hfy_base_times_(t, net->dim) : 0,
                                           sizeof(hfy_real));
    s->z = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(t, net->dim), sizeof(hfy_real));
    s->f = (hfy_real *)hfy_base_take_(arena, net->dim, sizeof(hfy_real));
    s->out = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(t, net->readout_dim), sizeof(hfy_real));
    s->inverse_q = (double *)hfy_base_take_(arena, net->sim == HFY_SIM_COSINE ? t : 0, sizeof(double));
    s->log_scale = (double *)hfy_base_take_(arena, t, sizeof(double));
    s->who = (size_t *)hfy_base_take_(arena, t, sizeof(size_t));
    s->step = (size_t *)hfy_base_take_(arena, t, sizeof(size_t));
    s->limit = (size_t *)hfy_base_take_(arena, t, sizeof(size_t));
    s->mark = (hfy_real *)hfy_base_take_(arena, net->max_steps > 2 ? hfy_base_times_(t, net->dim) : 0,
                                         sizeof(hfy_real));
    s->marked = (size_t *)hfy_base_take_(arena, t, sizeof(size_t));
    s->cycle = (size_t *)hfy_base_take_(arena, t, sizeof(size_t));
    s->status = (hfy_status *)hfy_base_take_(arena, t, sizeof(hfy_status));
    s->ended = (unsigned char *)hfy_base_take_(arena, t, 1);
    s->made = 0;
}

/* --- the four steps --- */

/* Scores of nq queries, standing one after another, against keys from .. from+n-1; no bias yet. */
HFY_PRIVATE_ void hfy_net_scores_(const hfy_net_run_ *run, const hfy_real *q, size_t nq, const double *inverse_q,
                                  size_t from, size_t n, hfy_real *scores, size_t score_stride)
{
    const hfy_net *net = &run->net;
    hfy_sim_tile_(run->simd, net->sim, net->beta, net->keys + from * net->key_stride, net->key_stride, n,
                  run->inverse_norms ? run->inverse_norms + from : NULL, q, net->dim, nq, inverse_q, net->dim, scores,
                  score_stride);
}

/* What COSINE needs of the queries. */
HFY_PRIVATE_ void hfy_net_norms_(const hfy_net_run_ *run, const hfy_real *q, size_t nq, double *inverse_q)
{
    if (run->net.sim == HFY_SIM_COSINE) hfy_sim_inverse_norms_(run->simd, q, run->net.dim, nq, run->net.dim, inverse_q);
}

/* Adds the bias to scores of keys from .. from+n-1 and masks what query `who` must not see. A bias of -infinity masks
   whatever the key holds. */
HFY_PRIVATE_ void hfy_net_mask_(const hfy_net *net, size_t who, size_t from, size_t n, hfy_real *theta)
{
    size_t i, visible = n;
    if (net->visible) visible = net->visible[who] < from ? 0 : hfy_base_min_(net->visible[who] - from, n);
    if (net->bias) {
        const hfy_real *bias = net->bias + who * net->bias_stride + from;
        for (i = 0; i < visible; i++) theta[i] = hfy_base_is_neg_inf_((double)bias[i]) ? bias[i] : theta[i] + bias[i];
    }
    for (i = visible; i < n; i++) theta[i] = (hfy_real)-HUGE_VAL;
}

/* z starts from -0: a weight of 1 then copies its row to the bit, the sign of zeros included. */
HFY_PRIVATE_ void hfy_net_zero_(hfy_real *z, size_t n)
{
    size_t d;
    for (d = 0; d < n; d++) z[d] = (hfy_real)-0.0;
}

HFY_PRIVATE_ void hfy_net_add_(const hfy_real *HFY_RESTRICT_ part, size_t n, hfy_real *HFY_RESTRICT_ z)
{
    size_t d;
    for (d = 0; d < n; d++) z[d] += part[d];
}

/* z = the weighted rows of nq queries, all N of them, in the order that every mode adds them. t: z and part, nq x
   width. */
HFY_PRIVATE_ void hfy_net_project_(const hfy_net_run_ *run, const hfy_real *weight, size_t weight_stride, size_t nq,
                                   const hfy_real *rows, size_t stride, size_t width, const hfy_net_stream_ *t,
                                   hfy_real *z)
{
    size_t from = 0, to, end, n = run->net.count;
    hfy_net_zero_(z, nq * width);
    while (from < n) {
        end = hfy_base_min_(from + run->segment, n);
        hfy_net_zero_(t->z, nq * width);
        for (; from < end; from = to) {
            to = hfy_base_min_(from + run->fold, end);
            hfy_net_zero_(t->part, nq * width);
            run->simd->combine(weight + from, weight_stride, nq, rows + from * stride, stride, to - from, width,
                               t->part, width);
            hfy_net_add_(t->part, nq * width, t->z);
        }
        hfy_net_add_(t->z, nq * width, z);
    }
}

/* The same for one query and a list of rows, index ascending. part: width. */
HFY_PRIVATE_ void hfy_net_gather_(const hfy_simd_ *simd, const size_t *index, const hfy_real *weight, size_t count,
                                  const hfy_real *rows, size_t stride, size_t width, hfy_real *part, hfy_real *z)
{
    size_t from, n;
    hfy_net_zero_(z, width);
    for (from = 0; from < count; from += n) {
        n = hfy_base_min_(HFY_NET_FOLD_, count - from);
        hfy_net_zero_(part, width);
        simd->gather(index + from, weight + from, n, rows, stride, width, part);
        hfy_net_add_(part, width, z);
    }
}

/* --- one pass, lists: candidates within the margin --- */

HFY_PRIVATE_ void hfy_net_clear_list_(hfy_net_list_ *list, double top)
{
    list->count = 0;
    list->top = top;
    list->overflow = 0;
    list->status = HFY_OK;
}

/* Can a score still matter? By rank the k-th best and its equals always can. */
HFY_PRIVATE_ int hfy_net_matters_(const hfy_net_list_ *list, double margin, double theta)
{
    return hfy_index_matters_(list->top, margin, theta);
}

/* By rank: raises the bar to the k-th best of what is listed. */
HFY_PRIVATE_ void hfy_net_rank_(const hfy_net_run_ *run, hfy_net_list_ *list, double *scratch)
{
    size_t k = (size_t)ceil(run->sep.k);
    double kth;
    if (!run->by_rank || list->count < k || list->count > run->capacity) return;
    memcpy(scratch, list->theta, list->count * sizeof *scratch);
    kth = hfy_base_kth_largest_(scratch, list->count, k);
    if (kth > list->top) list->top = kth;
}

/* Drops candidates that later ones have outdone. */
HFY_PRIVATE_ void hfy_net_compact_(const hfy_net_run_ *run, hfy_net_list_ *list, double *scratch)
{
    size_t i, kept = 0;
    hfy_net_rank_(run, list, scratch);
    for (i = 0; i < list->count; i++)
        if (hfy_net_matters_(list, run->margin, list->theta[i])) {
            list->index[kept] = list->index[i];
            list->theta[kept++] = list->theta[i];
        }
    list->count = kept;
}

/* Appends one candidate; a full list is compacted first, and overflows if that makes no room. */
HFY_PRIVATE_ void hfy_net_append_(const hfy_net_run_ *run, hfy_net_list_ *list, size_t index, double theta,
                                  double *scratch)
{
    if (list->overflow) return;
    if (list->count == list->capacity) {
        hfy_net_compact_(run, list, scratch);
        if (list->count > list->capacity / 4 * 3) {
            list->overflow = 1;
            return;
        }
        if (!hfy_net_matters_(list, run->margin, theta)) return;
    }
    list->index[list->count] = index;
    list->theta[list->count++] = theta;
}

/* Takes in a block of scores. */
HFY_PRIVATE_ void hfy_net_collect_(const hfy_net_run_ *run, hfy_net_list_ *list, const hfy_real *theta, size_t from,
                                   size_t n, hfy_net_stream_ *t)
{
    size_t i, found;
    double top;
    hfy_status status = hfy_sep_top_(run->simd, theta, n, &top);
    if (status == HFY_ERR_ARG || list->status || list->overflow)
        return; /* all of the block is masked, or it is no use */
    if (status) {
        list->status = status;
        return;
    }
    if (!run->by_rank && top > list->top) list->top = top;
    if (!hfy_net_matters_(list, run->margin, top)) return;
    if (run->by_rank) {
        for (i = 0; i < n; i++) {
            double v = (double)theta[i];
            if (hfy_net_matters_(list, run->margin, v) && !hfy_base_is_neg_inf_(v))
                hfy_net_append_(run, list, from + i, v, t->distance);
        }
        return;
    }
    found = run->simd->window(theta, n, (hfy_real)list->top, run->margin, t->at, t->distance);
    for (i = 0; i < found; i++) hfy_net_append_(run, list, from + t->at[i], (double)theta[t->at[i]], NULL);
}

/* --- one pass, sums: running maximum --- */

HFY_PRIVATE_ void hfy_net_clear_sum_(hfy_net_sum_ *sum)
{
    sum->top = -HUGE_VAL;
    sum->sum = 0;
    sum->best = 0;
    sum->status = HFY_OK;
}

HFY_PRIVATE_ void hfy_net_scale_row_(hfy_real *z, size_t n, double factor)
{
    size_t d;
    for (d = 0; d < n; d++) z[d] = (hfy_real)(factor * (double)z[d]);
}

/* Turns a block of scores into weights relative to the running maximum, which may rise: z then shrinks. 0: all of them
   are 0. */
HFY_PRIVATE_ int hfy_net_weigh_(const hfy_net_run_ *run, hfy_net_sum_ *sum, hfy_real *theta, size_t from, size_t n,
                                hfy_real *z, size_t width)
{
    double top, cut;
    size_t i;
    hfy_status status = hfy_sep_top_(run->simd, theta, n, &top);
    if (status == HFY_ERR_NONFINITE) sum->status = status;
    if (status || sum->status || (run->exponential && top < sum->top - run->negligible)) {
        memset(theta, 0, n * sizeof *theta);
        return 0;
    }
    if (top > sum->top) {
        for (i = 0; (double)theta[i] < top;) i++;
        sum->best = from + i;
        if (run->exponential && sum->sum > 0) {
            double shrink = top - sum->top < run->negligible ? exp(sum->top - top) : 0;
            sum->sum *= shrink;
            if (shrink > 0)
                hfy_net_scale_row_(z, width, shrink);
            else
                hfy_net_zero_(z, width);
        }
        sum->top = top;
    }
    if (!run->exponential) {
        status = hfy_sep_elementwise_(&run->sep, theta, n, theta);
        if (status) {
            sum->status = status;
            memset(theta, 0, n * sizeof *theta);
        }
        return !status;
    }
    sum->sum += run->simd->softmax(theta, n, (hfy_real)sum->top, theta);
    cut = exp(-run->negligible);
    for (i = 0; i < n; i++) theta[i] = (double)theta[i] < cut ? 0 : theta[i];
    return 1;
}

/* Adds a later segment's sums to those of all earlier ones. */
HFY_PRIVATE_ void hfy_net_merge_(const hfy_net_run_ *run, hfy_net_sum_ *all, hfy_real *z, const hfy_net_sum_ *part,
                                 const hfy_real *z_part, size_t width)
{
    double keep = 1, add = 1;
    size_t d;
    if (part->status && !all->status) all->status = part->status;
    if (all->status || hfy_base_is_neg_inf_(part->top)) return;
    if (run->exponential) {
        keep = part->top - all->top < run->negligible ? exp(all->top - part->top) : 0;
        add = all->top - part->top < run->negligible ? exp(part->top - all->top) : 0;
        if (keep > 1) keep = 1;
        if (add > 1) add = 1;
        all->sum = all->sum * keep + part->sum * add;
    }
    if (part->top > all->top) {
        all->top = part->top;
        all->best = part->best;
    }
    if (!(keep > 0)) hfy_net_zero_(z, width); /* nothing of it is left: the first sums are copied to the bit */
    for (d = 0; add > 0 && d < width; d++) {
        if (keep < 1 || add < 1)
            z[d] = (hfy_real)((keep > 0 ? keep * (double)z[d] : (double)z[d]) + add * (double)z_part[d]);
        else
            z[d] += z_part[d];
    }
}

/* --- one pass: rounds of segments, one a worker --- */

typedef struct hfy_net_round_ {
    const hfy_net_run_ *run;
    hfy_net_scratch_ *s;
    const hfy_real *q;       /* nq queries, one after another */
    const size_t *who;       /* their numbers */
    const double *inverse_q; /* COSINE */
    const hfy_real *rows;    /* sums: what is projected onto */
    size_t nq, from, limit, stride, width;
} hfy_net_round_;

/* One worker's segment: from + i segments. */
HFY_PRIVATE_ void hfy_net_segment_(void *context, size_t i)
{
    const hfy_net_round_ *round = (const hfy_net_round_ *)context;
    const hfy_net_run_ *run = round->run;
    hfy_net_stream_ *t = round->s->stream + i;
    size_t from = round->from + i * run->segment, to = hfy_base_min_(from + run->segment, round->limit), j, n;
    for (j = 0; j < round->nq; j++) {
        if (run->mode == HFY_NET_LISTS_) hfy_net_clear_list_(t->list + j, round->s->list[j].top);
        if (run->mode == HFY_NET_SUMS_) hfy_net_clear_sum_(t->sum + j);
    }
    if (run->mode == HFY_NET_SUMS_) hfy_net_zero_(t->z, round->nq * round->width);
    while (from < to) {
        size_t fold = hfy_base_min_(from + run->fold, to);
        for (j = 0; run->mode == HFY_NET_SUMS_ && j < round->nq; j++) {
            hfy_net_clear_sum_(t->fold + j);
            t->fold[j].top = t->sum[j].top; /* what is negligible already need not be summed */
        }
        if (run->mode == HFY_NET_SUMS_) hfy_net_zero_(t->part, round->nq * round->width);
        for (; from < fold; from += n) {
            int some = 0;
            n = hfy_base_min_(run->block, fold - from);
            hfy_net_scores_(run, round->q, round->nq, round->inverse_q, from, n, t->scores, run->block);
            for (j = 0; j < round->nq; j++) {
                hfy_real *theta = t->scores + j * run->block;
                hfy_net_mask_(&run->net, round->who[j], from, n, theta);
                if (run->mode == HFY_NET_LISTS_)
                    hfy_net_collect_(run, t->list + j, theta, from, n, t);
                else
                    some |= hfy_net_weigh_(run, t->fold + j, theta, from, n, t->part + j * round->width, round->width);
            }
            if (some)
                run->simd->combine(t->scores, run->block, round->nq, round->rows + from * round->stride, round->stride,
                                   n, round->width, t->part, round->width);
        }
        for (j = 0; run->mode == HFY_NET_SUMS_ && j < round->nq; j++)
            hfy_net_merge_(run, t->sum + j, t->z + j * round->width, t->fold + j, t->part + j * round->width,
                           round->width);
    }
}

/* Streams the keys past nq queries. lists: leaves the candidates in s->list. sums: leaves sum and z, nq x width,
   divided by the sum for SOFTMAX. */
HFY_PRIVATE_ void hfy_net_stream_keys_(const hfy_net_run_ *run, const hfy_real *q, const size_t *who, size_t nq,
                                       const double *inverse_q, const hfy_real *rows, size_t stride, size_t width,
                                       hfy_net_sum_ *sum, hfy_real *z, hfy_net_scratch_ *s)
{
    hfy_net_round_ round;
    size_t i, j, l;
    round.run = run, round.s = s, round.q = q, round.who = who, round.inverse_q = inverse_q;
    round.rows = rows, round.nq = nq, round.stride = stride, round.width = width;
    round.limit = run->net.visible ? 0 : run->net.count;
    for (j = 0; j < nq; j++) {
        if (run->net.visible && run->net.visible[who[j]] > round.limit)
            round.limit = hfy_base_min_(run->net.visible[who[j]], run->net.count);
        if (run->mode == HFY_NET_LISTS_) hfy_net_clear_list_(s->list + j, -HUGE_VAL);
        if (run->mode == HFY_NET_SUMS_) hfy_net_clear_sum_(sum + j);
    }
    if (run->mode == HFY_NET_SUMS_) hfy_net_zero_(z, nq * width);
    for (round.from = 0; round.from < round.limit; round.from += run->workers * run->segment) {
        size_t segments = (round.limit - round.from - 1) / run->segment + 1;
        segments = hfy_base_min_(segments, run->workers);
        hfy_base_parallel_(segments, hfy_net_segment_, &round);
        for (i = 0; i < segments; i++)
            for (j = 0; j < nq; j++) {
                hfy_net_stream_ *t = s->stream + i;
                if (run->mode == HFY_NET_SUMS_) {
                    hfy_net_merge_(run, sum + j, z + j * width, t->sum + j, t->z + j * width, width);
                    continue;
                }
                if (!run->by_rank && t->list[j].top > s->list[j].top) s->list[j].top = t->list[j].top;
                if (t->list[j].status && !s->list[j].status) s->list[j].status = t->list[j].status;
                s->list[j].overflow |= t->list[j].overflow;
                for (l = 0; l < t->list[j].count; l++)
                    if (hfy_net_matters_(s->list + j, run->margin, t->list[j].theta[l]))
                        hfy_net_append_(run, s->list + j, t->list[j].index[l], t->list[j].theta[l], t->distance);
                if (run->by_rank) hfy_net_rank_(run, s->list + j, t->distance);
            }
    }
    for (j = 0; run->mode == HFY_NET_SUMS_ && j < nq; j++) {
        if (!sum[j].status && hfy_base_is_neg_inf_(sum[j].top)) sum[j].status = HFY_ERR_ARG;
        if (!sum[j].status && run->sep.kind != HFY_SEP_EXP && sum[j].sum > 0) /* EXP keeps its factor e^top */
            hfy_net_scale_row_(z + j * width, width, 1 / sum[j].sum);
    }
}

/* The candidates of the query in place j, into s->sep. A list that overflowed is made again where there is room for
   all keys: the separation's own arrays. */
HFY_PRIVATE_ hfy_status hfy_net_candidates_(const hfy_net_run_ *run, size_t j, hfy_net_scratch_ *s)
{
    hfy_net_list_ *list = s->list + j, all;
    hfy_net_stream_ *t = s->stream;
    if (list->status) return list->status;
    if (list->overflow) {
        size_t from, n,
            limit = run->net.visible ? hfy_base_min_(run->net.visible[s->who[j]], run->net.count) : run->net.count;
        hfy_net_run_ alone = *run;
        all = *list;
        alone.capacity = 0; /* never ranks: nothing is dropped before the end */
        all.index = s->sep.index, all.theta = s->sep.weight, all.capacity = SIZE_MAX;
        hfy_net_clear_list_(&all, list->top);
        for (from = 0; from < limit; from += n) {
            n = hfy_base_min_(run->block, limit - from);
            hfy_net_scores_(run, s->q + j * run->net.dim, 1, s->inverse_q ? s->inverse_q + j : NULL, from, n, t->scores,
                            run->block);
            hfy_net_mask_(&run->net, s->who[j], from, n, t->scores);
            hfy_net_collect_(&alone, &all, t->scores, from, n, t);
        }
        if (all.status) return all.status;
        s->sep.count = all.count;
    } else {
        memcpy(s->sep.index, list->index, list->count * sizeof *list->index);
        memcpy(s->sep.weight, list->theta, list->count * sizeof *list->theta);
        s->sep.count = list->count;
    }
    return HFY_OK;
}

/* The same with an index, after its scan for the live queries. */
HFY_PRIVATE_ hfy_status hfy_net_seek_(const hfy_net_run_ *run, size_t live, size_t j, hfy_net_scratch_ *s)
{
    const hfy_net *net = &run->net;
    size_t who = s->who[j];
    return hfy_index_take_(
        &run->seek, live, j, s->q + j * net->dim, net->bias ? net->bias + who * net->bias_stride : NULL,
        net->visible ? net->visible[who] : net->count, s->sep.index, s->sep.weight, &s->sep.count, &s->index);
}

/* The list's weights in hfy_real, over the same memory: a list may be as long as the net. */
HFY_PRIVATE_ const hfy_real *hfy_net_round_weights_(hfy_sep_scratch_ *sep)
{
    unsigned char *bytes = (unsigned char *)sep->weight;
    size_t i;
    for (i = 0; i < sep->count; i++) {
        hfy_real w = (hfy_real)sep->weight[i];
        memcpy(bytes + i * sizeof w, &w, sizeof w);
    }
    return (const hfy_real *)(const void *)bytes;
}

/* E(q) = -Omega*(theta)/beta + Psi(q) + 1/2 sum c q^2, from the scores with their bias. */
HFY_PRIVATE_ hfy_status hfy_net_energy_(const hfy_net_run_ *run, const hfy_real *theta, const hfy_real *q, size_t who,
                                        double *energy, hfy_net_scratch_ *s)
{
    const hfy_net *net = &run->net;
    double conjugate, psi, self = 0;
    size_t d;
    hfy_status status = hfy_sep_conjugate_(&net->sep, theta, net->count, who, &conjugate, &s->sep);
    if (status) return status;
    status = hfy_post_row_value_(&run->post, q, net->dim, &psi, &s->post);
    if (status) return status;
    if (net->self_coupling)
        for (d = 0; d < net->dim; d++) self += 0.5 * (double)net->self_coupling[d] * (double)q[d] * (double)q[d];
    *energy = -conjugate / net->beta + psi + self;
    return HFY_OK;
}

/* z <- z - c o q, where z still waits for its factor e^log_scale. */
HFY_PRIVATE_ void hfy_net_uncouple_(const hfy_net *net, const hfy_real *q, hfy_real *z, double *log_scale)
{
    double up = 1, down = 1;
    size_t d;
    if (!net->self_coupling) return;
    if (*log_scale > 0) {
        down = exp(-*log_scale);
    } else {
        up = exp(*log_scale);
        *log_scale = 0;
    }
    for (d = 0; d < net->dim; d++)
        z[d] = (hfy_real)(up * (double)z[d] - down * (double)net->self_coupling[d] * (double)q[d]);
}

/* The new state into q; returns max|f - q|. */
HFY_PRIVATE_ double hfy_net_move_(const hfy_net *net, const hfy_real *f, hfy_real *q)
{
    double residual = 0;
    size_t d;
    for (d = 0; d < net->dim; d++) {
        double change = (double)f[d] - (double)q[d];
        if (fabs(change) > residual) residual = fabs(change);
        q[d] = net->step < 1 ? (hfy_real)((double)q[d] + net->step * change) : f[d];
    }
    return residual;
}

/* --- the report --- */

/* The heaviest weight after `previous` in the order of the list of the heaviest (descending, ties by position);
   SIZE_MAX as previous asks for the first, as an answer it means that no nonzero weight is left. */
HFY_PRIVATE_ size_t hfy_net_next_heaviest_(const hfy_real *weight, size_t count, size_t previous)
{
    size_t i, choice = SIZE_MAX;
    for (i = 0; i < count; i++) {
        if (!(weight[i] > 0 || weight[i] < 0)) continue;
        if (previous != SIZE_MAX &&
            (weight[i] > weight[previous] || (!(weight[i] < weight[previous]) && i <= previous)))
            continue;
        if (choice == SIZE_MAX || weight[i] > weight[choice]) choice = i;
    }
    return choice;
}

/* e^log_scale w, saturating to infinity. */
HFY_PRIVATE_ hfy_real hfy_net_rescaled_(hfy_real w, double log_scale)
{
    double v = w > 0 ? exp(log_scale + log((double)w)) : 0;
    if (!(log_scale > 0) && !(log_scale < 0)) return w;
    return v > HFY_REAL_MAX_ ? (hfy_real)HUGE_VAL : (hfy_real)v;
}

/* What the last step's weights say of query `who`: all N of them (index NULL), or a list. */
HFY_PRIVATE_ void hfy_net_report_weights_(const hfy_report *report, size_t who, size_t n, const size_t *index,
                                          const hfy_real *weight, size_t count, double log_scale)
{
    size_t i, l, support = 0, best = SIZE_MAX;
    if (report->best || report->support) {
        for (i = 0; i < count; i++) {
            if (!(weight[i] > 0 || weight[i] < 0)) continue;
            support++;
            if (best == SIZE_MAX || weight[i] > weight[best]) best = i;
        }
        if (best == SIZE_MAX) best = 0;
        if (report->best) report->best[who] = index ? index[best] : best;
        if (report->support) report->support[who] = support;
    }
    if (report->top_index || report->top_weight) {
        size_t at = SIZE_MAX;
        for (l = 0; l < report->top; l++) {
            if (l == 0 || at != SIZE_MAX) at = hfy_net_next_heaviest_(weight, count, at);
            if (report->top_index) report->top_index[who * report->top + l] = at == SIZE_MAX || !index ? at : index[at];
            if (report->top_weight)
                report->top_weight[who * report->top + l] = at == SIZE_MAX ? 0
                                                                           : hfy_net_rescaled_(weight[at], log_scale);
        }
    }
    if (report->weights) {
        hfy_real *all = report->weights + who * n;
        if (index) memset(all, 0, n * sizeof *all);
        for (i = 0; i < count; i++) all[index ? index[i] : i] = hfy_net_rescaled_(weight[i], log_scale);
    }
}

/* --- one tile of queries --- */

/* Turns what the readout gathered into the answer: applies e^log_scale, checks the range, copies. */
HFY_PRIVATE_ hfy_status hfy_net_read_out_(hfy_real *gathered, size_t n, double log_scale, hfy_real *out)
{
    size_t d;
    double scale = log_scale > 0 || log_scale < 0 ? exp(log_scale) : 1;
    for (d = 0; d < n; d++) {
        double v = scale * (double)gathered[d];
        if (!(fabs(v) <= HFY_REAL_MAX_)) return HFY_ERR_NONFINITE;
        gathered[d] = (hfy_real)v;
    }
    if (out) memcpy(out, gathered, n * sizeof *out);
    return HFY_OK;
}

/* Has the query in place j been in this state before? (Brent: compare with a marked state, mark anew at powers of
   two.) A cycle within a few last bits is standing still as well as it can: 1, stop. Around a wider one the walk is
   cut short by whole turns, which changes nothing: the map is deterministic. */
HFY_PRIVATE_ int hfy_net_turns_(const hfy_net_run_ *run, size_t j, double residual, int whole, hfy_net_scratch_ *s)
{
    const hfy_net *net = &run->net;
    size_t d, dim = net->dim, step = s->step[j];
    const hfy_real *q = s->q + j * dim;
    hfy_real *mark = s->mark + j * dim;
    double size = 0;
    if (!s->mark || s->cycle[j]) return 0;
    if (s->marked[j] && !memcmp(mark, q, dim * sizeof *q)) {
        s->cycle[j] = step - s->marked[j];
        for (d = 0; d < dim; d++) size = fabs((double)q[d]) > size ? fabs((double)q[d]) : size;
        if (residual <= 16 * HFY_REAL_EPS_ * size) return 1;
        if (!whole && !net->readout) s->limit[j] = step + (net->max_steps - step) % s->cycle[j];
        return step >= s->limit[j];
    }
    if (!(step & (step - 1))) {
        memcpy(mark, q, dim * sizeof *q);
        s->marked[j] = step;
    }
    return 0;
}

/* The second half of a step for the query in place j: its weights are given (index NULL: all N; weight NULL: nobody
   asks) and its projection is in z. Post-transformation, move, and, if it stands still or this was the last step,
   answer and report. read: its readout is in s->out already. projected: 0 in a last step whose new state nobody
   wants. */
HFY_PRIVATE_ void hfy_net_settle_(const hfy_net_run_ *run, const hfy_report *report, size_t j, const size_t *index,
                                  const hfy_real *weight, size_t count, int projected, int read, hfy_real *out,
                                  hfy_real *path, hfy_net_scratch_ *s)
{
    const hfy_net *net = &run->net;
    size_t dim = net->dim, who = s->who[j], out_dim = net->readout ? net->readout_dim : dim;
    hfy_real *q = s->q + j * dim, *z = s->z + j * dim, *gathered = s->out ? s->out + j * net->readout_dim : NULL;
    double residual = 0, log_scale = s->log_scale[j];
    int stop = s->step[j] + 1 >= s->limit[j];
    if (s->before) memcpy(s->before + j * dim, q, dim * sizeof *q);
    if (projected) {
        hfy_net_uncouple_(net, q, z, &log_scale);
        s->status[j] = hfy_post_row_(&run->post, z, log_scale, q, dim, s->f, &s->post);
        if (s->status[j]) return;
        residual = hfy_net_move_(net, s->f, q);
        stop |= residual <= net->tol;
        if (path) memcpy(path + (s->step[j] + 1) * dim, q, dim * sizeof *path);
    }
    s->step[j]++;
    if (!stop && !(projected && hfy_net_turns_(run, j, residual, report && report->energy, s))) return;
    if (net->readout && !read) {
        if (index)
            hfy_net_gather_(run->simd, index, weight, count, net->readout, net->readout_stride, out_dim,
                            s->stream->part, gathered);
        else if (weight)
            hfy_net_project_(run, weight, count, 1, net->readout, net->readout_stride, out_dim, s->stream, gathered);
        else { /* it stands still before its time: once more from the state that this step began with */
            hfy_net_sum_ sum;
            hfy_net_stream_keys_(run, s->before + j * dim, s->who + j, 1, s->inverse_q ? s->inverse_q + j : NULL,
                                 net->readout, net->readout_stride, out_dim, &sum, gathered, s);
        }
    }
    s->ended[j] = 1;
    s->made = s->step[j];
    if (net->readout)
        s->status[j] = hfy_net_read_out_(gathered, out_dim, s->log_scale[j], out ? out + who * out_dim : NULL);
    else if (out)
        memcpy(out + who * dim, q, dim * sizeof *out);
    if (s->status[j] || !report) return;
    if (report->steps) report->steps[who] = s->step[j];
    if (report->residual) report->residual[who] = residual;
    if (report->cycle) report->cycle[who] = s->cycle[j];
    if (weight) hfy_net_report_weights_(report, who, net->count, index, weight, count, s->log_scale[j]);
    if (!weight && report->best) report->best[who] = s->sum[j].best;
}

/* Forgets the queries that have ended or failed and moves the others up; returns how many are left. */
HFY_PRIVATE_ size_t hfy_net_leave_(const hfy_net_run_ *run, const hfy_report *report, size_t live, size_t *failed,
                                   hfy_status *failure, hfy_net_scratch_ *s)
{
    size_t j, kept = 0, dim = run->net.dim;
    int stays = report && report->energy; /* a query that has ended stays for the energy of its last state */
    for (j = 0; j < live; j++) {
        if (s->status[j] && s->who[j] < *failed) {
            *failed = s->who[j];
            *failure = s->status[j];
        }
        if (!s->status[j] && (!s->ended[j] || (stays && s->ended[j] == 1))) {
            if (kept < j) memcpy(s->q + kept * dim, s->q + j * dim, dim * sizeof *s->q);
            if (kept < j && s->mark && s->marked[j])
                memcpy(s->mark + kept * dim, s->mark + j * dim, dim * sizeof *s->mark);
            s->limit[kept] = s->limit[j];
            s->marked[kept] = s->marked[j];
            s->cycle[kept] = s->cycle[j];
            s->who[kept] = s->who[j];
            s->step[kept] = s->step[j];
            s->status[kept] = HFY_OK;
            s->ended[kept++] = s->ended[j];
            continue;
        }
        if (report && report->status) report->status[s->who[j]] = s->status[j];
    }
    return kept;
}

/* Seats query `who` in place j. */
HFY_PRIVATE_ void hfy_net_admit_(const hfy_net_run_ *run, const hfy_real *queries, size_t who, size_t j,
                                 hfy_net_scratch_ *s)
{
    size_t d, dim = run->net.dim;
    memcpy(s->q + j * dim, queries + who * dim, dim * sizeof *s->q);
    s->who[j] = who;
    s->step[j] = s->marked[j] = s->cycle[j] = 0;
    s->limit[j] = run->net.max_steps;
    s->status[j] = HFY_OK;
    s->ended[j] = 0;
    for (d = 0; d < dim; d++)
        if (!hfy_base_is_finite_((double)s->q[j * dim + d])) s->status[j] = HFY_ERR_NONFINITE;
}

/* One step of the live queries, one pass over the keys. project, read: is the new state, the readout wanted? */
HFY_PRIVATE_ void hfy_net_one_pass_(const hfy_net_run_ *run, size_t live, int project, int read, hfy_real *out,
                                    const hfy_report *report, hfy_real *path, hfy_net_scratch_ *s)
{
    const hfy_net *net = &run->net;
    const hfy_real *weight;
    size_t j, dim = net->dim;
    if (run->mode == HFY_NET_SUMS_) {
        if (read)
            hfy_net_stream_keys_(run, s->q, s->who, live, s->inverse_q, net->readout, net->readout_stride,
                                 net->readout_dim, s->sum, s->out, s);
        if (project)
            hfy_net_stream_keys_(run, s->q, s->who, live, s->inverse_q, net->values, net->value_stride, dim, s->sum,
                                 s->z, s);
        for (j = 0; j < live; j++) {
            s->status[j] = s->sum[j].status;
            s->log_scale[j] = run->sep.kind == HFY_SEP_EXP ? s->sum[j].top : 0;
            if (!s->status[j]) hfy_net_settle_(run, report, j, NULL, NULL, 0, project, read, out, path, s);
        }
        return;
    }
    if (run->seek.index)
        hfy_index_scan_(&run->seek, s->q, live, s->who, net->bias, net->bias_stride, net->visible, &s->index);
    else
        hfy_net_stream_keys_(run, s->q, s->who, live, s->inverse_q, NULL, 0, 0, NULL, NULL, s);
    for (j = 0; j < live; j++) {
        s->log_scale[j] = 0;
        s->status[j] = run->seek.index ? hfy_net_seek_(run, live, j, s) : hfy_net_candidates_(run, j, s);
        if (!s->status[j]) s->status[j] = hfy_sep_candidates_(&run->sep, &s->sep);
        if (s->status[j]) continue;
        weight = hfy_net_round_weights_(&s->sep);
        if (project)
            hfy_net_gather_(run->simd, s->sep.index, weight, s->sep.count, net->values, net->value_stride, dim,
                            s->stream->part, s->z + j * dim);
        hfy_net_settle_(run, report, j, s->sep.index, weight, s->sep.count, project, 0, out, path, s);
    }
}

/* The same with whole rows of scores. */
HFY_PRIVATE_ void hfy_net_plainly_(const hfy_net_run_ *run, size_t live, int project, int read, hfy_real *out,
                                   const hfy_report *report, hfy_real *path, hfy_net_scratch_ *s)
{
    const hfy_net *net = &run->net;
    const hfy_real *weight;
    size_t j, dim = net->dim, n = net->count;
    int list = hfy_sep_is_list_(&run->sep);
    hfy_net_scores_(run, s->q, live, s->inverse_q, 0, n, s->scores, n);
    for (j = 0; j < live; j++) {
        hfy_real *theta = s->scores + j * n;
        s->log_scale[j] = 0;
        hfy_net_mask_(net, s->who[j], 0, n, theta);
        if (report && report->energy) {
            double *energy = report->energy + s->who[j] * (net->max_steps + 1);
            size_t k = s->step[j];
            if (hfy_net_energy_(run, theta, s->q + j * dim, s->who[j], energy + k, s)) energy[k] = -HUGE_VAL;
            if (s->ended[j]) {
                for (; k < net->max_steps; k++) energy[k + 1] = energy[k];
                s->ended[j] = 2;
            }
        }
        if (s->ended[j] || !list) continue;
        s->status[j] = hfy_sep_list_(&run->sep, theta, n, s->who[j], &s->sep);
        if (s->status[j]) continue;
        weight = hfy_net_round_weights_(&s->sep);
        if (project)
            hfy_net_gather_(run->simd, s->sep.index, weight, s->sep.count, net->values, net->value_stride, dim,
                            s->stream->part, s->z + j * dim);
        hfy_net_settle_(run, report, j, s->sep.index, weight, s->sep.count, project, 0, out, path, s);
    }
    if (list) return;
    for (j = 0; j < live; j++) {
        hfy_real *theta = s->scores + j * n;
        if (!s->ended[j])
            s->status[j] = hfy_sep_fill_(&run->sep, theta, n, s->who[j], theta, &s->log_scale[j], &s->sep);
        if (s->ended[j] || s->status[j]) memset(theta, 0, n * sizeof *theta); /* takes no part below */
    }
    if (project) hfy_net_project_(run, s->scores, n, live, net->values, net->value_stride, dim, s->stream, s->z);
    if (read)
        hfy_net_project_(run, s->scores, n, live, net->readout, net->readout_stride, net->readout_dim, s->stream,
                         s->out);
    for (j = 0; j < live; j++)
        if (!s->ended[j] && !s->status[j])
            hfy_net_settle_(run, report, j, NULL, s->scores + j * n, n, project, read, out, path, s);
}

/* Runs queries first .. last-1 to their end; a place that falls free is taken by the next query. out may be NULL.
   path (one query only): its states, (max_steps+1) x D. A query without an answer lowers *failed to its number and
   leaves its status in *failure. */
HFY_PRIVATE_ void hfy_net_walk_(const hfy_net_run_ *run, const hfy_real *queries, size_t first, size_t last,
                                hfy_real *out, const hfy_report *report, hfy_real *path, size_t *failed,
                                hfy_status *failure, hfy_net_scratch_ *s)
{
    const hfy_net *net = &run->net;
    size_t live = 0;
    int together = net->readout && net->max_steps > 1; /* all make their last step, into the readout, at once */
    if (path) memcpy(path, queries + first * net->dim, net->dim * sizeof *path);
    for (;;) {
        int ends, project, read;
        while (live < run->tile && first < last && !(together && live && s->step[0]))
            hfy_net_admit_(run, queries, first++, live++, s);
        live = hfy_net_leave_(run, report, live, failed, failure, s);
        if (!live && first == last) break;
        if (!live) continue;
        ends = net->readout && s->step[0] + 1 >= net->max_steps;
        project = !ends || run->needs_step;
        read = ends && (run->mode == HFY_NET_SUMS_ || !hfy_sep_is_list_(&run->sep));
        hfy_net_norms_(run, s->q, live, s->inverse_q);
        if (run->mode == HFY_NET_PLAIN_)
            hfy_net_plainly_(run, live, project, read, out, report, path, s);
        else
            hfy_net_one_pass_(run, live, project, read, out, report, path, s);
        live = hfy_net_leave_(run, report, live, failed, failure, s);
    }
}

/* --- the public functions --- */

/* Says why a query has no answer. */
HFY_PRIVATE_ hfy_status hfy_net_failed_(hfy_work *work, hfy_status status, size_t who)
{
    if (status == HFY_ERR_NONFINITE)
        return hfy_base_fail_(
            work, status, "query %z: NaN or infinity in it, its scores or its new state; all should be finite", who);
    return hfy_sep_row_failed_(work, status, "query", who, NULL, 0);
}

/* Checks a call's net, chooses kernels, mode and sizes. whole_rows: the call wants weights, energies or the like.
   Returns how many walks share the queries, through *walks. */
HFY_PRIVATE_ hfy_status hfy_net_begin_(const hfy_net *net, size_t n_queries, int needs_step, int whole_rows,
                                       int supports, hfy_net_run_ *run, size_t *walks, hfy_work *work)
{
    hfy_status status;
    hfy_sep_method_ method;
    size_t row_bytes, most = hfy_base_workers_(), fit;
    memset(run, 0, sizeof *run);
    *walks = 1;
    status = hfy_net_resolve_(net, n_queries, &run->net, work);
    if (status) return status;
    run->simd = hfy_simd_choose_(work);
    if (!run->simd) return HFY_ERR_UNSUPPORTED;
    run->sep = run->net.sep;
    run->post = run->net.post;
    run->needs_step = needs_step;
    run->by_rank = hfy_sep_by_rank_(&run->sep);
    run->margin = hfy_sep_link_margin_(&run->sep);
    run->negligible = log(8 * (double)run->net.count / HFY_REAL_EPS_);
    method = hfy_sep_method_of_(&run->sep);
    run->exponential = method == HFY_SEP_BY_SOFTMAX_ || method == HFY_SEP_BY_EXP_;
    if (whole_rows || run->sep.plus)
        run->mode = HFY_NET_PLAIN_;
    else if (hfy_sep_is_list_(&run->sep))
        run->mode = run->margin < DBL_MAX ? HFY_NET_LISTS_ : HFY_NET_PLAIN_;
    else
        run->mode = supports || method == HFY_SEP_BY_UNIFORM_ ? HFY_NET_PLAIN_ : HFY_NET_SUMS_;
    /* blocks and segments depend on the net alone: they set the order of sums */
    row_bytes = hfy_base_times_(run->net.dim, sizeof(hfy_real));
    run->block = HFY_NET_BLOCK_BYTES_ / row_bytes & ~(size_t)7;
    run->block = run->block < 8 ? 8 : run->block > 512 ? 512 : run->block;
    run->block = hfy_base_min_(run->block, (run->net.count | 7) + 1);
    run->fold = run->block * ((HFY_NET_FOLD_ - 1) / run->block + 1);
    run->segment = run->fold * (HFY_NET_SEGMENT_ / run->fold);
    /* many queries are shared out; few share the keys */
    run->tile = HFY_NET_TILE_;
    if (run->mode == HFY_NET_PLAIN_) {
        fit = HFY_NET_TILE_BYTES_ / sizeof(hfy_real) / run->net.count;
        run->tile = fit < 1 ? 1 : hfy_base_min_(fit, HFY_NET_TILE_);
    }
    run->workers = 1;
    if (run->mode == HFY_NET_PLAIN_ || n_queries >= 4 * most)
        *walks = hfy_base_min_(most, n_queries ? n_queries : 1);
    else
        run->workers = hfy_base_min_(most, (run->net.count - 1) / run->segment + 1);
    run->tile = hfy_base_min_(run->tile, n_queries ? (n_queries - 1) / *walks + 1 : 1);
    run->capacity = hfy_base_min_(HFY_NET_LISTED_ / run->tile, run->net.count);
    if (run->net.index && run->net.sim == HFY_SIM_DOT && run->mode == HFY_NET_LISTS_) {
        run->workers = 1; /* one query's search is not shared out */
        return hfy_index_begin_(run->net.index, run->simd, run->net.keys, run->net.count, run->net.dim,
                                run->net.key_stride, run->net.beta, run->margin,
                                run->by_rank ? (size_t)ceil(run->sep.k) : 1, &run->seek, work);
    }
    return HFY_OK;
}

HFY_PRIVATE_ void hfy_net_plan_shared_(hfy_base_arena_ *arena, hfy_net_run_ *run)
{
    run->inverse_norms = (double *)hfy_base_take_(arena, run->net.sim == HFY_SIM_COSINE ? run->net.count : 0,
                                                  sizeof(double));
}

HFY_PRIVATE_ void hfy_net_prepare_(hfy_net_run_ *run)
{
    if (run->net.sim == HFY_SIM_COSINE)
        hfy_sim_inverse_norms_(run->simd, run->net.keys, run->net.key_stride, run->net.count, run->net.dim,
                               run->inverse_norms);
}

HFY_API hfy_status hfy_net_check(const hfy_net *net, hfy_net *resolved, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_net full;
    hfy_status status = hfy_net_resolve_(net, 1, &full, w);
    if (!status && resolved) *resolved = full;
    return hfy_base_close_(w, &local, status);
}

/* A call's walks, each over its share of the queries. */
typedef struct hfy_net_call_ {
    const hfy_net_run_ *run;
    const hfy_real *queries;
    hfy_real *out;
    const hfy_report *report;
    hfy_net_scratch_ *scratch; /* one a walk */
    size_t *failed;
    hfy_status *failure;
    size_t n_queries, walks;
} hfy_net_call_;

HFY_PRIVATE_ void hfy_net_share_(void *context, size_t i)
{
    const hfy_net_call_ *call = (const hfy_net_call_ *)context;
    size_t share = call->n_queries / call->walks, rest = call->n_queries % call->walks;
    size_t first = i * share + hfy_base_min_(i, rest);
    hfy_net_walk_(call->run, call->queries, first, first + share + (i < rest), call->out, call->report, NULL,
                  call->failed + i, call->failure + i, call->scratch + i);
}

HFY_API hfy_status hfy_retrieve(const hfy_net *net, const hfy_real *queries, size_t n_queries, hfy_real *out,
                                const hfy_report *report, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_net_run_ run;
    hfy_net_call_ call;
    int energies = report && report->energy;
    int needs_step = !net || !net->readout || energies || (report && report->residual);
    int supports = report && (report->support || report->top_index || report->top_weight);
    hfy_status status = hfy_net_begin_(net, n_queries, needs_step, energies || (report && report->weights), supports,
                                       &run, &call.walks, w);
    size_t i, first = SIZE_MAX;
    int pass;
    if (!status && n_queries && (!queries || !out))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !queries ? "queries" : "out");
    if (!status && n_queries && net->readout && queries == out && net->readout_dim != net->dim)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "out is queries, but readout_dim %z is not dim %z", net->readout_dim,
                                net->dim);
    if (!status && report &&
        ((report->weights && !hfy_base_fits_(n_queries, run.net.count, sizeof(hfy_real))) ||
         ((report->top_index || report->top_weight) && !hfy_base_fits_(n_queries, report->top, sizeof(size_t))) ||
         (energies && !hfy_base_fits_(n_queries, hfy_base_plus_(run.net.max_steps, 1), sizeof(double)))))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "report: arrays for %z queries cannot exist", n_queries);
    call.run = &run, call.queries = queries, call.out = out, call.report = report, call.n_queries = n_queries;
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_net_plan_shared_(&arena, &run);
        call.scratch = (hfy_net_scratch_ *)hfy_base_take_(&arena, call.walks, sizeof *call.scratch);
        call.failed = (size_t *)hfy_base_take_(&arena, call.walks, sizeof *call.failed);
        call.failure = (hfy_status *)hfy_base_take_(&arena, call.walks, sizeof *call.failure);
        for (i = 0; i < call.walks; i++) {
            hfy_net_scratch_ counted;
            hfy_net_plan_(&arena, &run, energies, call.scratch ? call.scratch + i : &counted);
        }
    }
    for (i = 0; !status && energies && i < call.walks; i++) /* each walk's scratch gets what its energies need */
        status = hfy_net_has_energy_(&run.net, &call.scratch[i].post, w);
    if (!status) {
        hfy_net_prepare_(&run);
        for (i = 0; i < call.walks; i++) call.failed[i] = SIZE_MAX, call.failure[i] = HFY_OK;
        hfy_base_parallel_(call.walks, hfy_net_share_, &call);
        for (i = call.walks; i--;) /* the shares are in order: the first failure wins */
            if (call.failure[i]) first = call.failed[i], status = call.failure[i];
        if (status) status = hfy_net_failed_(w, status, first);
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_energy(const hfy_net *net, const hfy_real *q, size_t n_queries, double *energy, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_net_run_ run;
    hfy_net_scratch_ scratch;
    size_t walks, first, j, d;
    hfy_status status = hfy_net_begin_(net, n_queries, 1, 1, 0, &run, &walks, w);
    int pass;
    if (!status && n_queries && (!q || !energy))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !q ? "q" : "energy");
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_net_plan_shared_(&arena, &run);
        hfy_net_plan_(&arena, &run, 1, &scratch);
    }
    if (!status) status = hfy_net_has_energy_(&run.net, &scratch.post, w);
    if (!status) {
        for (first = 0; first < n_queries; first += run.tile) {
            size_t nq = hfy_base_min_(run.tile, n_queries - first);
            hfy_net_norms_(&run, q + first * run.net.dim, nq, scratch.inverse_q);
            hfy_net_scores_(&run, q + first * run.net.dim, nq, scratch.inverse_q, 0, run.net.count, scratch.scores,
                            run.net.count);
            for (j = 0; j < nq; j++) {
                const hfy_real *state = q + (first + j) * run.net.dim;
                hfy_real *theta = scratch.scores + j * run.net.count;
                hfy_status one = HFY_OK;
                for (d = 0; d < run.net.dim; d++)
                    if (!hfy_base_is_finite_((double)state[d])) one = HFY_ERR_NONFINITE;
                hfy_net_mask_(&run.net, first + j, 0, run.net.count, theta);
                if (!one) one = hfy_net_energy_(&run, theta, state, first + j, energy + first + j, &scratch);
                if (one && !status) status = hfy_net_failed_(w, one, first + j);
            }
        }
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_energy_constant(const hfy_net *net, hfy_energy_form form, double *constant, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_net_run_ run;
    hfy_net_scratch_ scratch;
    size_t walks;
    hfy_status status = hfy_net_begin_(net, 1, 1, 1, 0, &run, &walks, w);
    int pass;
    if (!status && !constant) status = hfy_base_fail_(w, HFY_ERR_ARG, "constant is NULL");
    if (!status && (unsigned)form > HFY_ENERGY_FY)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "form is %z; it should be one of hfy_energy_form", (size_t)form);
    if (!status && run.sep.plus && form != HFY_ENERGY_RAW)
        status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED,
                                "net->sep.plus is set; a sum of energies has only its raw form");
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_net_plan_shared_(&arena, &run);
        hfy_net_plan_(&arena, &run, 1, &scratch);
    }
    if (!status) status = hfy_net_has_energy_(&run.net, &scratch.post, w);
    if (!status && form == HFY_ENERGY_RAW) {
        *constant = 0;
    } else if (!status) {
        size_t i, d, n = run.net.count, dim = run.net.dim;
        double value = 0, extra = 0;
        memset(scratch.scores, 0, n * sizeof *scratch.scores);
        status = hfy_sep_fill_(&run.sep, scratch.scores, n, 0, scratch.scores, NULL, &scratch.sep);
        if (!status) value = -hfy_sep_omega_(&run.sep, scratch.scores, NULL, NULL, n, 0) / run.net.beta;
        if (!status && form == HFY_ENERGY_PAPER) {
            for (i = 0; i < n; i++) {
                double square = 0;
                for (d = 0; d < dim; d++) {
                    double v = (double)run.net.keys[i * run.net.key_stride + d];
                    square += v * v;
                }
                if (square > extra) extra = square;
            }
            value += 0.5 * extra;
        } else if (!status) {
            hfy_net_project_(&run, scratch.scores, n, 1, run.net.keys, run.net.key_stride, dim, scratch.stream,
                             scratch.z);
            status = hfy_post_row_conjugate_(&run.post, scratch.z, dim, &extra, &scratch.post);
            value += extra;
        }
        if (!status)
            *constant = value;
        else
            hfy_base_fail_(w, status, "net->keys: the constant is not finite");
    }
    return hfy_base_close_(w, &local, status);
}

/* --- reverse mode --- */

/* What the backward pass of one query works in, besides the forward's scratch. */
typedef struct hfy_net_back_ {
    hfy_real *path;    /* (max_steps+1) x D: the states */
    hfy_real *theta;   /* N: the scores of a step */
    hfy_real *y, *dy;  /* N: weights and their cotangent, which becomes that of the scores */
    hfy_real *dz, *df; /* D */
    hfy_net_stream_ stream; /* its z and part: D */
    double *dq;        /* D: cotangent of the state */
    double *sum;       /* D */
} hfy_net_back_;

HFY_PRIVATE_ void hfy_net_plan_back_(hfy_base_arena_ *arena, const hfy_net_run_ *run, hfy_net_back_ *b)
{
    size_t n = run->net.count, dim = run->net.dim;
    b->path = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(hfy_base_plus_(run->net.max_steps, 1), dim),
                                         sizeof(hfy_real));
    b->theta = (hfy_real *)hfy_base_take_(arena, n, sizeof(hfy_real));
    b->y = (hfy_real *)hfy_base_take_(arena, n, sizeof(hfy_real));
    b->dy = (hfy_real *)hfy_base_take_(arena, n, sizeof(hfy_real));
    b->dz = (hfy_real *)hfy_base_take_(arena, dim, sizeof(hfy_real));
    b->df = (hfy_real *)hfy_base_take_(arena, dim, sizeof(hfy_real));
    b->stream.z = (hfy_real *)hfy_base_take_(arena, dim, sizeof(hfy_real));
    b->stream.part = (hfy_real *)hfy_base_take_(arena, dim, sizeof(hfy_real));
    b->dq = (double *)hfy_base_take_(arena, dim, sizeof(double));
    b->sum = (double *)hfy_base_take_(arena, dim, sizeof(double));
}

/* d sim(x, q): adds g times its gradients to dq and, unless NULL, to dx. score: sim(x, q) itself. */
HFY_PRIVATE_ void hfy_net_sim_vjp_(hfy_sim sim, const hfy_real *x, const hfy_real *q, size_t dim, double g,
                                   double score, double inverse_x, double inverse_q, double *dq, hfy_real *dx)
{
    size_t d;
    for (d = 0; d < dim; d++) {
        double a = (double)x[d], b = (double)q[d], to_q, to_x;
        switch (sim) {
        case HFY_SIM_DOT: to_q = a, to_x = b; break;
        case HFY_SIM_COSINE:
            to_q = (a * inverse_x - score * b * inverse_q) * inverse_q;
            to_x = (b * inverse_q - score * a * inverse_x) * inverse_x;
            break;
        case HFY_SIM_EUCLIDEAN: to_q = a - b, to_x = b - a; break;
        default: to_q = a > b ? 1 : a < b ? -1 : 0, to_x = -to_q; break;
        }
        dq[d] += g * to_q;
        if (dx) dx[d] = (hfy_real)((double)dx[d] + g * to_x);
    }
}

/* Through p = separation(beta sim(K, q) + bias): b->dy holds the cotangent of p, b->y is p, b->theta are the scores
   with their bias. Adds the state's part to b->dq and the parameters' to grad. */
HFY_PRIVATE_ void hfy_net_association_vjp_(const hfy_net_run_ *run, size_t who, const hfy_real *q, const hfy_grad *grad,
                                           hfy_net_scratch_ *s, hfy_net_back_ *b)
{
    const hfy_net *net = &run->net;
    size_t i, n = net->count, dim = net->dim, visible = net->visible ? hfy_base_min_(net->visible[who], n) : n;
    double d_beta = 0, inverse_q = 0;
    if (run->sep.plus)
        hfy_sep_chain_vjp_(&run->sep, b->theta, b->dy, n, who, b->dy, &s->sep);
    else
        hfy_sep_row_vjp_(&run->sep, b->theta, b->y, b->dy, n, who, b->dy, grad->alpha, grad->gamma, NULL, NULL);
    if (net->sim == HFY_SIM_COSINE) inverse_q = s->inverse_q[0];
    for (i = 0; i < visible; i++) {
        const hfy_real *x = net->keys + i * net->key_stride;
        double g = (double)b->dy[i], bias = net->bias ? (double)net->bias[who * net->bias_stride + i] : 0, score;
        if (!(g > 0) && !(g < 0)) continue;
        score = ((double)b->theta[i] - bias) / net->beta;
        d_beta += g * score;
        if (grad->bias) grad->bias[who * net->bias_stride + i] += (hfy_real)g;
        hfy_net_sim_vjp_(net->sim, x, q, dim, g * net->beta, score, run->inverse_norms ? run->inverse_norms[i] : 0,
                         inverse_q, b->dq, grad->keys ? grad->keys + i * net->key_stride : NULL);
    }
    if (grad->beta) *grad->beta += d_beta;
}

/* dy_i = <row_i, v> where weight can reach, and adds y_i v to the rows' gradient. */
HFY_PRIVATE_ void hfy_net_projection_vjp_(const hfy_net_run_ *run, const hfy_real *rows, size_t stride, size_t width,
                                          const hfy_real *v, hfy_real *d_rows, hfy_net_back_ *b)
{
    size_t i, d, n = run->net.count;
    run->simd->dot(rows, stride, n, v, width, 1, width, b->dy, n);
    for (i = 0; i < n; i++) {
        hfy_real p = b->y[i];
        if (!(p > 0) && !(p < 0)) continue;
        for (d = 0; d_rows && d < width; d++) d_rows[i * stride + d] += p * v[d];
    }
}

/* The scores, bias and all, of query `who` in state q against every key. */
HFY_PRIVATE_ void hfy_net_all_scores_(const hfy_net_run_ *run, size_t who, const hfy_real *q, double *inverse_q,
                                      hfy_real *theta)
{
    hfy_net_norms_(run, q, 1, inverse_q);
    hfy_net_scores_(run, q, 1, inverse_q, 0, run->net.count, theta, run->net.count);
    hfy_net_mask_(&run->net, who, 0, run->net.count, theta);
}

/* Backward through the `steps` updates of one query whose states are in b->path. */
HFY_PRIVATE_ hfy_status hfy_net_backward_(const hfy_net_run_ *run, size_t who, size_t steps, const hfy_real *dout,
                                          const hfy_grad *grad, hfy_net_scratch_ *s, hfy_net_back_ *b)
{
    const hfy_net *net = &run->net;
    size_t dim = net->dim, n = net->count, t, d;
    hfy_real *d_values = grad->values ? grad->values : run->net.values == run->net.keys ? grad->keys : NULL;
    hfy_status status;
    for (t = 0; run->sep.kind == HFY_SEP_EXP && t < steps; t++) { /* so that a query that fails has added nothing */
        hfy_net_all_scores_(run, who, b->path + t * dim, s->inverse_q, b->theta);
        status = hfy_sep_fill_(&run->sep, b->theta, n, who, b->y, NULL, &s->sep);
        if (status) return status;
    }
    for (d = 0; d < dim; d++) b->dq[d] = net->readout ? 0 : (double)dout[who * dim + d];
    for (t = steps; t--;) {
        const hfy_real *q = b->path + t * dim;
        hfy_net_all_scores_(run, who, q, s->inverse_q, b->theta);
        status = hfy_sep_fill_(&run->sep, b->theta, n, who, b->y, NULL, &s->sep);
        if (status) return status; /* never: the forward pass has been here */
        if (net->readout && t + 1 == steps) {
            hfy_net_projection_vjp_(run, net->readout, net->readout_stride, net->readout_dim,
                                    dout + who * net->readout_dim, grad->readout, b);
        } else {
            hfy_net_project_(run, b->y, n, 1, net->values, net->value_stride, dim, &b->stream, s->z);
            s->log_scale[0] = 0;
            hfy_net_uncouple_(net, q, s->z, &s->log_scale[0]);
            for (d = 0; d < dim; d++) {
                b->df[d] = (hfy_real)(net->step * b->dq[d]);
                b->dq[d] *= 1 - net->step;
            }
            hfy_post_row_vjp_(&run->post, s->z, b->df, dim, b->dz, &s->post);
            for (d = 0; net->self_coupling && d < dim; d++) {
                b->dq[d] -= (double)net->self_coupling[d] * (double)b->dz[d];
                if (grad->self_coupling) grad->self_coupling[d] -= b->dz[d] * q[d];
            }
            hfy_net_projection_vjp_(run, net->values, net->value_stride, dim, b->dz, d_values, b);
        }
        hfy_net_association_vjp_(run, who, q, grad, s, b);
    }
    for (d = 0; grad->queries && d < dim; d++)
        grad->queries[who * dim + d] = (hfy_real)((double)grad->queries[who * dim + d] + b->dq[d]);
    return HFY_OK;
}

HFY_API hfy_status hfy_retrieve_vjp(const hfy_net *net, const hfy_real *queries, size_t n_queries, const hfy_real *dout,
                                    const hfy_grad *grad, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_net_run_ run;
    hfy_net_scratch_ scratch;
    hfy_net_back_ back;
    hfy_status failure = HFY_OK, status;
    size_t walks, failed = SIZE_MAX, j;
    int pass;
    status = hfy_net_begin_(net, n_queries, 1, 0, 0, &run, &walks, w);
    run.tile = 1;
    run.capacity = hfy_base_min_(HFY_NET_LISTED_, run.net.count);
    if (!status && n_queries && (!queries || !dout))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !queries ? "queries" : "dout");
    if (!status && !grad) status = hfy_base_fail_(w, HFY_ERR_ARG, "grad is NULL");
    if (!status && grad->values && !net->values)
        status = hfy_base_fail_(w, HFY_ERR_ARG,
                                "grad->values is set, but net->values is NULL: grad->keys receives their part");
    if (!status) {
        const char *none = hfy_sep_no_gradient_(&run.sep, grad->alpha != NULL, grad->gamma != NULL, 0, 0);
        if (none)
            status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "grad->%s is set, but net->sep has no such gradient", none);
    }
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_net_plan_shared_(&arena, &run);
        hfy_net_plan_(&arena, &run, 0, &scratch);
        hfy_net_plan_back_(&arena, &run, &back);
    }
    if (!status) {
        hfy_net_prepare_(&run);
        for (j = 0; j < n_queries; j++) {
            hfy_status before = failure, one;
            hfy_net_walk_(&run, queries, j, j + 1, NULL, NULL, back.path, &failed, &failure, &scratch);
            if (failure != before || failed == j) continue;
            one = hfy_net_backward_(&run, j, scratch.made, dout, grad, &scratch, &back);
            if (one && j < failed) failed = j, failure = one;
        }
        if (failure) status = hfy_net_failed_(w, failure, failed);
    }
    return hfy_base_close_(w, &local, status);
}

#undef HFY_NET_TILE_
#undef HFY_NET_TILE_BYTES_
#undef HFY_NET_BLOCK_BYTES_
#undef HFY_NET_FOLD_
#undef HFY_NET_SEGMENT_
#undef HFY_NET_LISTED_

/* ------------------------------------------------------------------------------------------------------------------
   >>file.impl   .npy in and out
   Shapes: any, up to HFY_FILE_RANK axes; out is row-major.   May call: base.
   A header is a preamble ("\x93NUMPY", two bytes of version, the length of the rest in 2 or 4 little-endian bytes) and
   a Python dict in ASCII: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, with spaces and a newline after.
   Bytes are hostile until checked: every read is held against the end, every product against overflow. Headers beyond
   64 KiB are refused unread: only records have so much to say, and records are refused anyway.
   Numerics: elements of hfy_real's own type keep their bits; all others are rounded once.
   ------------------------------------------------------------------------------------------------------------------ */

/* --- reading a header --- */

HFY_PRIVATE_ int hfy_file_is_big_endian_(void)
{
    const uint16_t probe = 1;
    unsigned char first;
    memcpy(&first, &probe, 1);
    return !first;
}

/* The preamble: where the dict starts and ends. `from` is what messages call the source of the bytes. */
HFY_PRIVATE_ hfy_status hfy_file_preamble_(const unsigned char *bytes, size_t size, const char *from, size_t *start,
                                           size_t *end, hfy_work *work)
{
    *start = *end = 0;
    if (size < 6 || memcmp(bytes, "\x93NUMPY", 6))
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "not a .npy file (its first bytes are not \\x93NUMPY): %s", from);
    if (size < 8 || (bytes[6] > 1 && size < 12) || size < 10)
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "ends after %z bytes, inside its header: %s", size, from);
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7])
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "format version is %z.%z; it should be 1.0, 2.0 or 3.0: %s",
                              (size_t)bytes[6], (size_t)bytes[7], from);
    *start = bytes[6] == 1 ? 10 : 12;
    if (bytes[6] > 1 && (bytes[10] || bytes[11]))
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "header is longer than 65535 bytes: %s", from);
    *end = *start + ((size_t)bytes[8] | (size_t)bytes[9] << 8);
    return HFY_OK;
}

typedef struct hfy_file_cursor_ {
    const unsigned char *at, *end;
} hfy_file_cursor_;

HFY_PRIVATE_ void hfy_file_skip_(hfy_file_cursor_ *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || (*cursor->at >= '\t' && *cursor->at <= '\r')))
        cursor->at++;
}

/* Skips white space and, if it comes next, this character: was it there? */
HFY_PRIVATE_ int hfy_file_take_(hfy_file_cursor_ *cursor, char character)
{
    hfy_file_skip_(cursor);
    if (cursor->at == cursor->end || *cursor->at != (unsigned char)character) return 0;
    cursor->at++;
    return 1;
}

/* The same for a word. */
HFY_PRIVATE_ int hfy_file_word_(hfy_file_cursor_ *cursor, const char *word)
{
    size_t length = strlen(word);
    hfy_file_skip_(cursor);
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length)) return 0;
    cursor->at += length;
    return 1;
}

/* A string in either kind of quotes, without escapes: its length and where it starts; NULL if there is none. */
HFY_PRIVATE_ const char *hfy_file_string_(hfy_file_cursor_ *cursor, size_t *length)
{
    const unsigned char *start;
    unsigned char quote;
    hfy_file_skip_(cursor);
    if (cursor->at == cursor->end || (*cursor->at != '\'' && *cursor->at != '"')) return NULL;
    quote = *cursor->at++;
    for (start = cursor->at; cursor->at < cursor->end; cursor->at++) {
        if (*cursor->at == quote) {
            *length = (size_t)(cursor->at++ - start);
            return (const char *)start;
        }
        if (*cursor->at < 32 || *cursor->at > 126 || *cursor->at == '\\') return NULL;
    }
    return NULL;
}

/* A whole number as Python writes it: no sign, no leading zeros; the L of long numbers in old files is passed over.
   0: none here, or too large for size_t. */
HFY_PRIVATE_ int hfy_file_whole_(hfy_file_cursor_ *cursor, size_t *value)
{
    const unsigned char *start;
    hfy_file_skip_(cursor);
    *value = 0;
    for (start = cursor->at; cursor->at < cursor->end; cursor->at++) {
        size_t digit = (size_t)*cursor->at - '0'; /* what comes before '0' wraps around */
        if (digit > 9) break;
        if (*value > (SIZE_MAX - digit) / 10) return 0;
        *value = *value * 10 + digit;
    }
    if (cursor->at == start || (*start == '0' && cursor->at - start > 1)) return 0;
    if (cursor->at < cursor->end && *cursor->at == 'L') cursor->at++;
    return 1;
}

/* The value of 'descr': type, item_size, swapped. */
HFY_PRIVATE_ hfy_status hfy_file_descr_(hfy_file_cursor_ *cursor, const char *from, hfy_npy *info, hfy_work *work)
{
    static const char known[] = "f4f8u1i1i4i8";
    size_t length = 0, i;
    char shown[16];
    const char *text = hfy_file_string_(cursor, &length);
    if (!text)
        return hfy_base_fail_(work, HFY_ERR_FORMAT,
                              "descr is not a plain string, such as '<f4' (records are not read): %s", from);
    for (i = 0; length == 3 && i < sizeof known - 1; i += 2)
        if (text[1] == known[i] && text[2] == known[i + 1]) {
            info->type = text[1];
            info->item_size = (size_t)(text[2] - '0');
            info->swapped = 0;
            if (text[0] == '<' || text[0] == '>')
                info->swapped = (char)(info->item_size > 1 && (text[0] == '>') != hfy_file_is_big_endian_());
            else if (text[0] != '=' && (text[0] != '|' || info->item_size > 1)) /* | : no byte order */
                break;
            return HFY_OK;
        }
    length = hfy_base_min_(length, sizeof shown - 1);
    memcpy(shown, text, length);
    shown[length] = 0;
    return hfy_base_fail_(work, HFY_ERR_FORMAT,
                          "descr is '%s'; it should be <, > or = and one of f4 f8 u1 i1 i4 i8: %s", shown, from);
}

/* The value of 'shape', a tuple of whole numbers. */
HFY_PRIVATE_ hfy_status hfy_file_shape_(hfy_file_cursor_ *cursor, const char *from, hfy_npy *info, hfy_work *work)
{
    size_t axis = 0, value;
    int commas = 0, closed = 0;
    if (hfy_file_take_(cursor, '(')) {
        for (;;) {
            if (hfy_file_take_(cursor, ')')) {
                closed = axis != 1 || commas; /* (3) is no tuple */
                break;
            }
            if (axis && commas != (int)axis) break;
            if (!hfy_file_whole_(cursor, &value)) break;
            if (axis == HFY_FILE_RANK)
                return hfy_base_fail_(work, HFY_ERR_FORMAT, "shape has more than %z axes: %s", (size_t)HFY_FILE_RANK,
                                      from);
            info->shape[axis++] = value;
            commas += hfy_file_take_(cursor, ',');
        }
    }
    if (!closed)
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "shape is not a tuple of whole numbers that size_t holds: %s",
                              from);
    info->rank = axis;
    for (; axis < HFY_FILE_RANK; axis++) info->shape[axis] = 1;
    return HFY_OK;
}

/* Elements of a shape. 0: an array of items of that size cannot exist. Axes of length 0 are passed over in that
   question, so that no partial product overflows either. */
HFY_PRIVATE_ int hfy_file_count_(const size_t *shape, size_t rank, size_t item_size, size_t *count)
{
    size_t axis, product = 1, empty = 0;
    for (axis = 0; axis < rank; axis++) {
        if (shape[axis])
            product = hfy_base_times_(product, shape[axis]);
        else
            empty = 1;
    }
    *count = empty ? 0 : product;
    return hfy_base_fits_(product, 1, item_size);
}

/* The whole header; bytes holds at least it. */
HFY_PRIVATE_ hfy_status hfy_file_parse_(const unsigned char *bytes, size_t size, const char *from, hfy_npy *info,
                                        hfy_work *work)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    hfy_file_cursor_ cursor;
    hfy_npy found;
    hfy_status status;
    size_t start, end, length = 0, k;
    int seen[3] = {0, 0, 0}, more = 1;
    memset(&found, 0, sizeof found);
    status = hfy_file_preamble_(bytes, size, from, &start, &end, work);
    if (status) return status;
    if (size < end)
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "ends after %z bytes, inside its header of %z: %s", size, end,
                              from);
    cursor.at = bytes + start;
    cursor.end = bytes + end;
    if (!hfy_file_take_(&cursor, '{')) goto malformed;
    while (!hfy_file_take_(&cursor, '}')) {
        const char *key = more ? hfy_file_string_(&cursor, &length) : NULL;
        if (!key || !hfy_file_take_(&cursor, ':')) goto malformed;
        for (k = 0; k < 3; k++)
            if (length == strlen(keys[k]) && !memcmp(key, keys[k], length)) break;
        if (k == 3)
            return hfy_base_fail_(work, HFY_ERR_FORMAT, "header has a key other than descr, fortran_order, shape: %s",
                                  from);
        if (seen[k]++) return hfy_base_fail_(work, HFY_ERR_FORMAT, "header has %s twice: %s", keys[k], from);
        if (k == 0) {
            status = hfy_file_descr_(&cursor, from, &found, work);
        } else if (k == 1) {
            found.fortran = (char)hfy_file_word_(&cursor, "True");
            if (!found.fortran && !hfy_file_word_(&cursor, "False"))
                status = hfy_base_fail_(work, HFY_ERR_FORMAT, "fortran_order is neither True nor False: %s", from);
        } else {
            status = hfy_file_shape_(&cursor, from, &found, work);
        }
        if (status) return status;
        more = hfy_file_take_(&cursor, ',');
    }
    hfy_file_skip_(&cursor);
    if (cursor.at < cursor.end) goto malformed;
    for (k = 0; k < 3; k++)
        if (!seen[k]) return hfy_base_fail_(work, HFY_ERR_FORMAT, "header has no %s: %s", keys[k], from);
    k = found.item_size > sizeof(hfy_real) ? found.item_size : sizeof(hfy_real); /* neither file nor answer overflows */
    if (!hfy_file_count_(found.shape, found.rank, k, &found.count))
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "shape: an array of that size cannot exist: %s", from);
    found.data_offset = end;
    *info = found;
    return HFY_OK;
malformed:
    return hfy_base_fail_(work, HFY_ERR_FORMAT, "header is malformed at byte %z: %s", (size_t)(cursor.at - bytes),
                          from);
}

/* --- elements --- */

/* double to hfy_real; what is beyond its range becomes infinite (in C alone that conversion is undefined). */
HFY_PRIVATE_ hfy_real hfy_file_narrow_(double x)
{
#ifndef HFY_DOUBLE
    if (hfy_base_is_finite_(x) && fabs(x) > HFY_REAL_MAX_) {
        double half_ulp = ldexp(1.0, FLT_MAX_EXP - FLT_MANT_DIG - 1);
        double nearest = fabs(x) < HFY_REAL_MAX_ + half_ulp ? HFY_REAL_MAX_ : HUGE_VAL;
        return (hfy_real)(x < 0 ? -nearest : nearest);
    }
#endif
    return (hfy_real)x;
}

HFY_PRIVATE_ hfy_real hfy_file_element_(const hfy_npy *info, const unsigned char *bytes)
{
    unsigned char b[8];
    size_t i, n = info->item_size;
    float f4;
    double f8;
    int32_t i4;
    int64_t i8;
    for (i = 0; i < n; i++) b[i] = bytes[info->swapped ? n - 1 - i : i];
    if (info->type == 'f' && n == 4) {
        memcpy(&f4, b, 4);
        return (hfy_real)f4;
    }
    if (info->type == 'f') {
        memcpy(&f8, b, 8);
        return hfy_file_narrow_(f8);
    }
    if (n == 4) {
        memcpy(&i4, b, 4);
        return (hfy_real)i4;
    }
    if (n == 8) {
        memcpy(&i8, b, 8);
        return (hfy_real)i8;
    }
    return info->type == 'u' || b[0] < 128 ? (hfy_real)b[0] : (hfy_real)(b[0] - 256);
}

/* Where the elements of a file go, one after the other: an odometer over its axes. */
typedef struct hfy_file_walk_ {
    size_t at; /* row-major index of the next element */
    size_t index[HFY_FILE_RANK], stride[HFY_FILE_RANK];
} hfy_file_walk_;

/* Are the file's bytes out's bytes? */
HFY_PRIVATE_ int hfy_file_is_verbatim_(const hfy_npy *info)
{
    return info->type == 'f' && info->item_size == sizeof(hfy_real) && !info->swapped &&
           (!info->fortran || info->rank < 2);
}

HFY_PRIVATE_ void hfy_file_start_(const hfy_npy *info, hfy_file_walk_ *walk)
{
    size_t axis, stride = 1;
    memset(walk, 0, sizeof *walk);
    for (axis = info->rank; info->count && axis-- > 0; stride *= info->shape[axis]) walk->stride[axis] = stride;
}

/* Takes the next count elements of the file to their places in out. */
HFY_PRIVATE_ void hfy_file_fill_(const hfy_npy *info, hfy_file_walk_ *walk, const unsigned char *bytes, size_t count,
                                 hfy_real *out)
{
    size_t i, axis;
    if (!info->fortran || info->rank < 2) {
        for (i = 0; i < count; i++) out[walk->at++] = hfy_file_element_(info, bytes + i * info->item_size);
        return;
    }
    for (i = 0; i < count; i++) {
        out[walk->at] = hfy_file_element_(info, bytes + i * info->item_size);
        for (axis = 0; axis < info->rank; axis++) {
            walk->at += walk->stride[axis];
            if (++walk->index[axis] < info->shape[axis]) break;
            walk->at -= walk->stride[axis] * info->shape[axis];
            walk->index[axis] = 0;
        }
    }
}

/* Is there room for what the header promises? */
HFY_PRIVATE_ hfy_status hfy_file_room_(const hfy_npy *info, const hfy_real *out, size_t capacity, hfy_work *work)
{
    if (capacity < info->count)
        return hfy_base_fail_(work, HFY_ERR_ARG, "capacity is %z; the array has %z elements", capacity, info->count);
    if (!out && info->count) return hfy_base_fail_(work, HFY_ERR_ARG, "out is NULL");
    return HFY_OK;
}

/* --- the public functions: in memory --- */

HFY_API hfy_status hfy_file_npy_parse(const void *bytes, size_t size, hfy_npy *info, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_status status;
    if (!bytes || !info)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !bytes ? "bytes" : "info");
    else
        status = hfy_file_parse_((const unsigned char *)bytes, size, "bytes", info, w);
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_file_npy_decode(const void *bytes, size_t size, hfy_real *out, size_t capacity, hfy_npy *info,
                                       hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    const unsigned char *data = (const unsigned char *)bytes;
    hfy_npy found;
    hfy_file_walk_ walk;
    hfy_status status;
    if (!bytes)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "bytes is NULL");
    else
        status = hfy_file_parse_(data, size, "bytes", &found, w);
    if (!status && size - found.data_offset < found.count * found.item_size)
        status = hfy_base_fail_(w, HFY_ERR_FORMAT, "%z bytes of elements; the shape needs %z: bytes",
                                size - found.data_offset, found.count * found.item_size);
    if (!status) status = hfy_file_room_(&found, out, capacity, w);
    if (!status) {
        if (found.count && hfy_file_is_verbatim_(&found)) {
            memcpy(out, data + found.data_offset, found.count * sizeof *out);
        } else {
            hfy_file_start_(&found, &walk);
            hfy_file_fill_(&found, &walk, data + found.data_offset, found.count, out);
        }
        if (info) *info = found;
    }
    return hfy_base_close_(w, &local, status);
}

/* The header for hfy_file_npy_header; text has room for 256 bytes, more than HFY_FILE_RANK lengths of an array that can
   exist ever need. */
HFY_PRIVATE_ hfy_status hfy_file_header_(const size_t *shape, size_t rank, unsigned char *text, size_t *size,
                                         hfy_work *work)
{
    char dict[256];
    size_t axis, at, total, count;
    if (rank > HFY_FILE_RANK)
        return hfy_base_fail_(work, HFY_ERR_ARG, "rank is %z; it should be at most %z", rank, (size_t)HFY_FILE_RANK);
    if (!shape && rank) return hfy_base_fail_(work, HFY_ERR_ARG, "shape is NULL");
    if (!hfy_file_count_(shape, rank, sizeof(hfy_real), &count))
        return hfy_base_fail_(work, HFY_ERR_ARG, "shape: an array of that size cannot exist");
    at = hfy_base_put_(dict, sizeof dict, 0, hfy_file_is_big_endian_() ? "{'descr': '>f" : "{'descr': '<f");
    at = hfy_base_put_whole_(dict, sizeof dict, at, sizeof(hfy_real));
    at = hfy_base_put_(dict, sizeof dict, at, "', 'fortran_order': False, 'shape': (");
    for (axis = 0; axis < rank; axis++) {
        if (axis) at = hfy_base_put_(dict, sizeof dict, at, " ");
        at = hfy_base_put_whole_(dict, sizeof dict, at, shape[axis]);
        if (rank == 1 || axis + 1 < rank) at = hfy_base_put_(dict, sizeof dict, at, ",");
    }
    at = hfy_base_put_(dict, sizeof dict, at, "), }");
    total = (10 + at + 1 + 63) & ~(size_t)63;
    memset(text, ' ', total);
    memcpy(text, "\x93NUMPY\x01", 7);
    text[7] = 0;
    text[8] = (unsigned char)(total - 10);
    text[9] = 0;
    memcpy(text + 10, dict, at);
    text[total - 1] = '\n';
    *size = total;
    return HFY_OK;
}

HFY_API hfy_status hfy_file_npy_header(const size_t *shape, size_t rank, void *bytes, size_t capacity, size_t *size,
                                       hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_status status;
    if (!bytes || !size)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !bytes ? "bytes" : "size");
    else if (capacity < 256)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "capacity is %z; it should be at least 256", capacity);
    else
        status = hfy_file_header_(shape, rank, (unsigned char *)bytes, size, w);
    return hfy_base_close_(w, &local, status);
}

/* --- the public functions: files --- */

#ifndef HFY_NO_STDIO
#include <stdio.h>

#define HFY_FILE_CHUNK_ 65536 /* bytes read at a time; a whole number of elements of every type */

/* Reads `size` bytes, or says why not: the file ends (FORMAT), or reading fails (IO). */
HFY_PRIVATE_ hfy_status hfy_file_get_(FILE *file, const char *path, void *bytes, size_t size, hfy_work *work)
{
    size_t got = fread(bytes, 1, size, file);
    if (got == size) return HFY_OK;
    if (ferror(file)) return hfy_base_fail_(work, HFY_ERR_IO, "reading failed: %s", path);
    return hfy_base_fail_(work, HFY_ERR_FORMAT, "ends inside its header: %s", path);
}

/* Are there `bytes` more from offset on? Leaves the file at offset. */
HFY_PRIVATE_ hfy_status hfy_file_holds_(FILE *file, const hfy_npy *info, const char *path, unsigned char *chunk,
                                        hfy_work *work)
{
    const long offset = (long)info->data_offset;
    size_t left = info->count * info->item_size;
    long end = -1;
    int failed = 0;
    if (!fseek(file, 0, SEEK_END)) end = ftell(file);
    if (end >= 0) {
        uint64_t beyond = end > offset ? (uint64_t)(end - offset) : 0;
        left = beyond < left ? left - (size_t)beyond : 0;
    } else { /* longer than a long can tell, as beyond 2 GiB on some systems: count */
        clearerr(file);
        failed = fseek(file, offset, SEEK_SET);
        while (!failed && left) {
            size_t want = hfy_base_min_(left, HFY_FILE_CHUNK_), got = fread(chunk, 1, want, file);
            left -= got;
            if (got < want) break;
        }
        failed = failed || ferror(file);
    }
    if (failed || fseek(file, offset, SEEK_SET))
        return hfy_base_fail_(work, HFY_ERR_IO, "could not find the length of %s", path);
    if (left)
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "%z bytes of the elements are missing, of %z: %s", left,
                              info->count * info->item_size, path);
    return HFY_OK;
}

/* Opens a file and reads its header. *chunk (or NULL): scratch of HFY_FILE_CHUNK_ bytes. On success *file is open. */
HFY_PRIVATE_ hfy_status hfy_file_open_(const char *path, FILE **file, hfy_npy *info, unsigned char **chunk,
                                       hfy_work *work)
{
    hfy_base_arena_ arena = {NULL, 0};
    unsigned char preamble[12], *header = NULL;
    size_t start = 0, end = 0;
    hfy_status status;
    int pass;
    memset(preamble, 0, sizeof preamble);
    *file = fopen(path, "rb");
    if (!*file) return hfy_base_fail_(work, HFY_ERR_IO, "could not open %s", path);
    start = fread(preamble, 1, 10, *file);
    if (start == 10 && preamble[6] > 1) start += fread(preamble + 10, 1, 2, *file);
    if (ferror(*file))
        status = hfy_base_fail_(work, HFY_ERR_IO, "reading failed: %s", path);
    else
        status = hfy_file_preamble_(preamble, start, path, &start, &end, work);
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(work, &arena);
        if (status) break;
        header = (unsigned char *)hfy_base_take_(&arena, end, 1);
        if (chunk) *chunk = (unsigned char *)hfy_base_take_(&arena, HFY_FILE_CHUNK_, 1);
    }
    if (!status) {
        memcpy(header, preamble, start);
        status = hfy_file_get_(*file, path, header + start, end - start, work);
    }
    if (!status) status = hfy_file_parse_(header, end, path, info, work);
    if (status) {
        fclose(*file);
        *file = NULL;
    }
    return status;
}

HFY_API hfy_status hfy_file_npy_info(const char *path, hfy_npy *info, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    FILE *file;
    hfy_status status;
    if (!path || !info) {
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !path ? "path" : "info");
    } else {
        status = hfy_file_open_(path, &file, info, NULL, w);
        if (!status) fclose(file);
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_file_npy_read(const char *path, hfy_real *out, size_t capacity, hfy_npy *info, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    FILE *file = NULL;
    hfy_npy found;
    hfy_file_walk_ walk;
    unsigned char *chunk = NULL;
    hfy_status status;
    if (!path)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "path is NULL");
    else
        status = hfy_file_open_(path, &file, &found, &chunk, w);
    if (!status) status = hfy_file_room_(&found, out, capacity, w);
    if (!status) status = hfy_file_holds_(file, &found, path, chunk, w);
    if (!status && found.count) {
        size_t left = found.count, got = 0, want = 0;
        if (hfy_file_is_verbatim_(&found)) {
            want = left;
            got = fread(out, sizeof *out, left, file);
        } else {
            hfy_file_start_(&found, &walk);
            for (; left && got == want; left -= got) {
                want = hfy_base_min_(left, HFY_FILE_CHUNK_ / found.item_size);
                got = fread(chunk, found.item_size, want, file);
                hfy_file_fill_(&found, &walk, chunk, got, out);
            }
        }
        if (got < want) status = hfy_base_fail_(w, HFY_ERR_IO, "reading failed midway: %s", path);
    }
    if (file) fclose(file);
    if (!status && info) *info = found;
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_file_npy_write(const char *path, const hfy_real *data, const size_t *shape, size_t rank,
                                      hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    unsigned char header[256];
    size_t size = 0, count = 0;
    FILE *file;
    hfy_status status;
    if (!path)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "path is NULL");
    else
        status = hfy_file_header_(shape, rank, header, &size, w);
    if (!status) {
        hfy_file_count_(shape, rank, sizeof *data, &count);
        if (!data && count) status = hfy_base_fail_(w, HFY_ERR_ARG, "data is NULL");
    }
    if (!status) {
        file = fopen(path, "wb");
        if (!file) {
            status = hfy_base_fail_(w, HFY_ERR_IO, "could not open %s", path);
        } else {
            int failed = fwrite(header, 1, size, file) != size;
            if (!failed && count) failed = fwrite(data, sizeof *data, count, file) != count;
            if (fclose(file)) failed = 1; /* buffered bytes may fail only here */
            if (failed) status = hfy_base_fail_(w, HFY_ERR_IO, "writing failed: %s", path);
        }
    }
    return hfy_base_close_(w, &local, status);
}
#undef HFY_FILE_CHUNK_
#endif

#ifndef HFY_CORE_ONLY
/* ------------------------------------------------------------------------------------------------------------------
   >>shard.impl   partials of one step over slices of the patterns
   A block: head, one record a query, entries. With a margin the entries are the candidates of query 0, 1, ..., each
   list ascending by global number; else one row a query. Everything in it is 8 bytes wide but the rows, which are
   padded to that; it is read and written by memcpy, so it may lie anywhere.
   May call: base, index, sep, post, net.
   Numerics: candidates carry the canonical score, and what is solved at last are exactly those within the margin of
   the global best (k-th best) in ascending order: the bits do not depend on slices, order or tree. A query with more
   candidates than capacity keeps the best and remembers the best that it lost: if that is out of the margin in the
   end, nothing was lost. For a candidate of the whole to be lost, `capacity` others must be at least as good, and
   those are candidates too: so a query fails if and only if the whole has more than capacity. (ARGMAX never has more
   than k: ties go to the lowest numbers, which is an order that merging keeps.)
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_SHARD_MAGIC_ UINT64_C(0x4452414853594648)            /* "HFYSHARD", where the first byte is the lowest */
#define HFY_SHARD_FORMAT_ ((uint64_t)(0x100 + sizeof(hfy_real))) /* version 1 of this precision */
#define HFY_SHARD_CAPACITY_ 64

/* What two partials must agree on. Parameters that the separation does not use are 0. */
typedef struct hfy_shard_recipe_ {
    uint64_t n_queries, dim, width, readout; /* width: of the rows; readout: 1 if they are its */
    uint64_t sim, kind;
    double beta, k, alpha, gamma, degree, rho;
    uint64_t queries; /* their fingerprint */
} hfy_shard_recipe_;

typedef struct hfy_shard_head_ {
    uint64_t magic, format;
    uint64_t bytes; /* in use */
    uint64_t capacity;
    uint64_t patterns; /* how many it covers */
    uint64_t cover;    /* and which: sum of h(end) - h(first) over its slices, h a hash: h(n) - h(0) if and only if they
                          cover each of 0 .. n-1 once, but for a chance of 2^-64 */
    hfy_shard_recipe_ recipe;
} hfy_shard_head_;

typedef struct hfy_shard_record_ {
    uint64_t status;
    uint64_t count;   /* candidates */
    uint64_t dropped; /* candidates that found no room */
    double lost;      /* the best score of those */
    uint64_t best;    /* sums: where the maximum is */
    double top, sum;  /* sums: the maximum (-infinity: all is masked), the sum */
} hfy_shard_record_;

/* A head and what follows from it. */
typedef struct hfy_shard_block_ {
    hfy_shard_head_ head;
    hfy_sep sep;
    int lists, by_rank;
    double margin;
    size_t n_queries, capacity;
    size_t row, entry; /* bytes of a row, of an entry */
    size_t pool;       /* where the entries begin */
    size_t full;       /* bytes of the block at most; SIZE_MAX: it cannot exist */
} hfy_shard_block_;

/* --- blocks --- */

HFY_PRIVATE_ hfy_shard_record_ hfy_shard_record_at_(const void *partial, size_t who)
{
    hfy_shard_record_ record;
    memcpy(&record, (const unsigned char *)partial + sizeof(hfy_shard_head_) + who * sizeof record, sizeof record);
    return record;
}

HFY_PRIVATE_ void hfy_shard_put_record_(void *partial, size_t who, const hfy_shard_record_ *record)
{
    memcpy((unsigned char *)partial + sizeof(hfy_shard_head_) + who * sizeof *record, record, sizeof *record);
}

HFY_PRIVATE_ hfy_shard_record_ hfy_shard_nothing_(void)
{
    hfy_shard_record_ record;
    memset(&record, 0, sizeof record);
    record.lost = record.top = -HUGE_VAL;
    return record;
}

/* An entry with a margin: number, score, row. */
HFY_PRIVATE_ uint64_t hfy_shard_number_(const unsigned char *entry)
{
    uint64_t number;
    memcpy(&number, entry, sizeof number);
    return number;
}

HFY_PRIVATE_ double hfy_shard_score_(const unsigned char *entry)
{
    double score;
    memcpy(&score, entry + 8, sizeof score);
    return score;
}

/* Why a separation has no partials, in a net of n patterns. */
HFY_PRIVATE_ hfy_status hfy_shard_sep_(const hfy_sep *sep, size_t n, hfy_sep *full, hfy_work *work)
{
    hfy_status status;
    *full = hfy_sep_resolve_(sep);
    if (sep->plus)
        return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->sep.plus is set; a sum of energies has no partials");
    if (hfy_sep_has_bounds_(sep))
        return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->sep has bounds; such a separation has no partials");
    status = hfy_sep_check_(sep, 1, n, "net->sep.", work);
    if (status) return status;
    if (full->kind == HFY_SEP_UNIFORM)
        return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->sep.kind is HFY_SEP_UNIFORM, which has no partials");
    if (hfy_sep_is_list_(full) && !(hfy_sep_link_margin_(full) < DBL_MAX))
        return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->sep has no margin; such a separation has no partials");
    return HFY_OK;
}

/* What follows from head.recipe, head.capacity and the separation. */
HFY_PRIVATE_ void hfy_shard_lay_out_(hfy_shard_block_ *b)
{
    size_t width = (size_t)b->head.recipe.width;
    b->lists = hfy_sep_is_list_(&b->sep);
    b->by_rank = hfy_sep_by_rank_(&b->sep);
    b->margin = hfy_sep_link_margin_(&b->sep);
    b->n_queries = (size_t)b->head.recipe.n_queries;
    b->capacity = (size_t)b->head.capacity;
    b->row = hfy_base_plus_(hfy_base_times_(width, sizeof(hfy_real)), 7);
    b->row = b->row == SIZE_MAX ? b->row : b->row & ~(size_t)7;
    b->entry = b->lists ? hfy_base_plus_(b->row, 16) : b->row;
    b->pool = hfy_base_plus_(sizeof b->head, hfy_base_times_(b->n_queries, sizeof(hfy_shard_record_)));
    b->full = hfy_base_plus_(b->pool, hfy_base_times_(hfy_base_times_(b->n_queries, b->capacity), b->entry));
    if (b->full > (size_t)PTRDIFF_MAX) b->full = SIZE_MAX;
}

/* The block of an empty partial for a resolved separation. queries NULL: without their fingerprint. */
HFY_PRIVATE_ void hfy_shard_describe_(const hfy_net *net, const hfy_sep *full, double beta, const hfy_real *queries,
                                      size_t n_queries, size_t capacity, hfy_shard_block_ *b)
{
    hfy_shard_recipe_ *r = &b->head.recipe;
    int rank;
    memset(b, 0, sizeof *b);
    b->sep = *full;
    rank = hfy_sep_by_rank_(full);
    if (!capacity) capacity = HFY_SHARD_CAPACITY_ + (rank ? (size_t)ceil(full->k) : 0);
    b->head.magic = HFY_SHARD_MAGIC_;
    b->head.format = HFY_SHARD_FORMAT_;
    b->head.capacity = hfy_sep_is_list_(full) ? capacity : 1;
    r->n_queries = n_queries;
    r->dim = net->dim;
    r->width = net->readout_dim ? net->readout_dim : net->dim;
    r->readout = net->readout_dim != 0;
    r->sim = (uint64_t)net->sim;
    r->kind = (uint64_t)full->kind;
    r->beta = beta;
    if (rank) r->k = full->k;
    if (full->kind == HFY_SEP_ENTMAX) r->alpha = full->alpha;
    if (full->kind == HFY_SEP_NORMMAX) r->gamma = full->gamma;
    if (full->kind == HFY_SEP_POWER) r->degree = full->degree;
    if (full->kind == HFY_SEP_KSUBSETS) r->rho = full->rho;
    if (queries) {
        size_t bytes = n_queries * net->dim * sizeof *queries, at, n;
        hfy_rng rng = hfy_rng_seed(bytes);
        for (at = 0; at < bytes; at += n) {
            uint64_t word = 0;
            n = hfy_base_min_(sizeof word, bytes - at);
            memcpy(&word, (const unsigned char *)queries + at, n);
            rng.state ^= word;
            rng.state = hfy_rng_u64(&rng);
        }
        r->queries = rng.state;
    }
    hfy_shard_lay_out_(b);
}

/* h(first + count) - h(first) */
HFY_PRIVATE_ uint64_t hfy_shard_cover_(uint64_t first, uint64_t count)
{
    hfy_rng a = hfy_rng_seed(first), b = hfy_rng_seed(first + count);
    return hfy_rng_u64(&b) - hfy_rng_u64(&a);
}

/* Reads and checks a head; `entries` as well: records and entries. name: what messages call the block. */
HFY_PRIVATE_ hfy_status hfy_shard_read_(const void *partial, size_t bytes, int entries, const char *name,
                                        hfy_shard_block_ *b, hfy_work *work)
{
    const hfy_shard_recipe_ *r = &b->head.recipe;
    hfy_work quiet;
    hfy_sep asked;
    size_t who, l, at;
    int bad;
    memset(b, 0, sizeof *b);
    if (!partial) return hfy_base_fail_(work, HFY_ERR_ARG, "%s is NULL", name);
    if (bytes < sizeof b->head)
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "%s has %z bytes; a partial has at least %z", name, bytes,
                              sizeof b->head);
    memcpy(&b->head, partial, sizeof b->head);
    if (b->head.magic != HFY_SHARD_MAGIC_)
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "%s is no partial of this kind of machine", name);
    if (b->head.format != HFY_SHARD_FORMAT_)
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "%s is a partial of another version or precision", name);
    if (b->head.bytes > bytes)
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "%s has %z bytes; this partial has %z", name, bytes,
                              (size_t)b->head.bytes);
    memset(&quiet, 0, sizeof quiet);
    memset(&asked, 0, sizeof asked);
    bad = r->n_queries > (uint64_t)PTRDIFF_MAX || r->dim > (uint64_t)PTRDIFF_MAX || r->width > (uint64_t)PTRDIFF_MAX ||
          b->head.capacity > (uint64_t)PTRDIFF_MAX || !r->dim || !r->width || !b->head.capacity || r->readout > 1 ||
          (!r->readout && r->width != r->dim) || r->sim > HFY_SIM_MANHATTAN || r->kind > HFY_SEP_UNIFORM;
    if (!bad) {
        asked.kind = (hfy_sep_kind)r->kind;
        asked.k = r->k, asked.alpha = r->alpha, asked.gamma = r->gamma, asked.degree = r->degree, asked.rho = r->rho;
        bad = hfy_shard_sep_(&asked, SIZE_MAX / 16, &b->sep, &quiet) != HFY_OK;
    }
    if (!bad) {
        hfy_shard_lay_out_(b);
        bad = b->pool > b->head.bytes || b->full < b->head.bytes || (!b->lists && b->capacity != 1);
    }
    for (who = 0, at = b->pool; !bad && entries && who < b->n_queries; who++) {
        hfy_shard_record_ record = hfy_shard_record_at_(partial, who);
        size_t count = b->lists ? (size_t)hfy_base_min_((size_t)record.count, b->capacity) : 1, last = at;
        if (count > ((size_t)b->head.bytes - at) / b->entry || record.status > HFY_ERR_FORMAT ||
            (b->lists && record.count != count) || hfy_base_is_nan_(record.lost) || hfy_base_is_nan_(record.top) ||
            hfy_base_is_pos_inf_(record.top) || !(record.sum >= 0)) {
            bad = 1;
            break;
        }
        for (l = 0; b->lists && l < count; l++, last = at, at += b->entry) {
            const unsigned char *entry = (const unsigned char *)partial + at;
            bad |= !hfy_base_is_finite_(hfy_shard_score_(entry)) ||
                   (l && hfy_shard_number_(entry) <= hfy_shard_number_((const unsigned char *)partial + last));
        }
        if (!b->lists) at += b->entry;
    }
    if (bad || (entries && at != b->head.bytes))
        return hfy_base_fail_(work, HFY_ERR_FORMAT, "%s is a damaged partial", name);
    return HFY_OK;
}

/* Do two partials answer the same question? */
HFY_PRIVATE_ hfy_status hfy_shard_agree_(const hfy_shard_block_ *a, const hfy_shard_block_ *b, const char *what,
                                         hfy_work *work)
{
    hfy_shard_recipe_ x = a->head.recipe, y = b->head.recipe;
    if (x.n_queries != y.n_queries)
        return hfy_base_fail_(work, HFY_ERR_ARG, "%s is for %z queries; it should be for %z", what, (size_t)y.n_queries,
                              (size_t)x.n_queries);
    if (x.dim != y.dim || x.width != y.width || x.readout != y.readout)
        return hfy_base_fail_(work, HFY_ERR_ARG, "%s: dim is %z, readout_dim %z; they should be %z and %z", what,
                              (size_t)y.dim, (size_t)(y.readout * y.width), (size_t)x.dim,
                              (size_t)(x.readout * x.width));
    if (x.queries != y.queries)
        return hfy_base_fail_(work, HFY_ERR_ARG, "%s was made for other queries; they should be the same to the bit",
                              what);
    if (memcmp(&x, &y, sizeof x))
        return hfy_base_fail_(work, HFY_ERR_ARG, "%s was made with another sim, beta or separation", what);
    return HFY_OK;
}

/* --- choosing candidates --- */

/* Who of a list stays: what can still matter, and of that the best `capacity`, ties in ascending order. */
typedef struct hfy_shard_sieve_ {
    hfy_net_list_ bar; /* its top: the best score, or the k-th best */
    double margin;
    double cut;   /* the lowest score that finds room */
    size_t equal; /* how many equal to it still do */
    int enough;   /* what finds no room does not matter: ARGMAX has its k, ties of the lowest numbers */
} hfy_shard_sieve_;

/* The k-th largest of n scores, which stay in their order and need no copy: bit by bit from the top, in the order that
   the bits of numbers have once those of negative ones are flipped. */
HFY_PRIVATE_ double hfy_shard_kth_(const double *score, size_t n, size_t k)
{
    const uint64_t sign = UINT64_C(1) << 63;
    uint64_t found = 0, bit;
    double value;
    for (bit = sign; bit; bit >>= 1) {
        size_t i, above = 0;
        for (i = 0; i < n; i++) {
            uint64_t bits = hfy_base_bits_(score[i]);
            above += (bits & sign ? ~bits : bits | sign) >= (found | bit);
        }
        if (above >= k) found |= bit;
    }
    found = found & sign ? found & ~sign : ~found;
    memcpy(&value, &found, sizeof value);
    return value;
}

/* For these n candidates. */
HFY_PRIVATE_ void hfy_shard_set_sieve_(const hfy_shard_block_ *b, const double *score, size_t n,
                                       hfy_shard_sieve_ *sieve)
{
    size_t i, above = 0, k = b->by_rank ? (size_t)ceil(b->sep.k) : 1, room = b->capacity;
    double cut;
    sieve->bar.top = n >= k ? hfy_shard_kth_(score, n, k) : -HUGE_VAL;
    sieve->margin = b->margin;
    sieve->cut = -HUGE_VAL;
    sieve->equal = SIZE_MAX;
    sieve->enough = b->sep.kind == HFY_SEP_ARGMAX && k <= room;
    if (sieve->enough) room = k;
    if (n <= room) return;
    cut = hfy_shard_kth_(score, n, room);
    if (!hfy_net_matters_(&sieve->bar, sieve->margin, cut)) return;
    for (i = 0; i < n; i++) above += score[i] > cut;
    sieve->cut = cut;
    sieve->equal = room - above;
}

/* Does the next candidate stay? */
HFY_PRIVATE_ int hfy_shard_passes_(hfy_shard_sieve_ *sieve, double theta, hfy_shard_record_ *record)
{
    if (!hfy_net_matters_(&sieve->bar, sieve->margin, theta)) return 0;
    if (theta > sieve->cut) return 1;
    if (!(theta < sieve->cut) && sieve->equal) {
        sieve->equal--;
        return 1;
    }
    if (sieve->enough) return 0;
    record->dropped++;
    if (theta > record->lost) record->lost = theta;
    return 0;
}

/* Forgets what found no room once it cannot matter. */
HFY_PRIVATE_ void hfy_shard_forget_(const hfy_shard_sieve_ *sieve, hfy_shard_record_ *record)
{
    if (!record->dropped || hfy_net_matters_(&sieve->bar, sieve->margin, record->lost)) return;
    record->dropped = 0;
    record->lost = -HUGE_VAL;
}

/* --- what a slice finds --- */

typedef struct hfy_shard_call_ {
    const hfy_net_run_ *run;
    const hfy_shard_block_ *block;
    const hfy_real *queries;
    const hfy_real *rows; /* values or readout */
    void *partial;
    hfy_net_scratch_ *scratch; /* one a walk */
    size_t stride, n_queries, walks;
    uint64_t first;
} hfy_shard_call_;

/* The candidates of the query in place j of `live` to where its entries stand if all queries have `capacity`. */
HFY_PRIVATE_ void hfy_shard_keep_list_(const hfy_shard_call_ *call, size_t live, size_t j, hfy_net_scratch_ *s)
{
    const hfy_shard_block_ *b = call->block;
    hfy_shard_record_ record = hfy_shard_nothing_();
    hfy_shard_sieve_ sieve;
    unsigned char *entry = (unsigned char *)call->partial + b->pool + s->who[j] * b->capacity * b->entry;
    size_t l;
    hfy_status status = call->run->seek.index ? hfy_net_seek_(call->run, live, j, s)
                                              : hfy_net_candidates_(call->run, j, s);
    if (status && status != HFY_ERR_ARG) { /* ARG: all of the slice is masked */
        record.status = (uint64_t)status;
    } else if (!status) {
        hfy_shard_set_sieve_(b, s->sep.weight, s->sep.count, &sieve);
        for (l = 0; l < s->sep.count; l++) {
            uint64_t number = call->first + s->sep.index[l];
            if (!hfy_shard_passes_(&sieve, s->sep.weight[l], &record)) continue;
            memset(entry, 0, b->entry);
            memcpy(entry, &number, 8);
            memcpy(entry + 8, s->sep.weight + l, 8);
            memcpy(entry + 16, call->rows + s->sep.index[l] * call->stride, b->head.recipe.width * sizeof(hfy_real));
            entry += b->entry;
            record.count++;
        }
        hfy_shard_forget_(&sieve, &record);
    }
    hfy_shard_put_record_(call->partial, s->who[j], &record);
}

HFY_PRIVATE_ void hfy_shard_keep_sum_(const hfy_shard_call_ *call, size_t who, const hfy_net_sum_ *sum,
                                      const hfy_real *z)
{
    hfy_shard_record_ record = hfy_shard_nothing_();
    if (sum->status && sum->status != HFY_ERR_ARG) { /* the same */
        record.status = (uint64_t)sum->status;
    } else if (!sum->status) {
        record.top = sum->top;
        record.sum = sum->sum;
        record.best = call->first + sum->best;
        memcpy((unsigned char *)call->partial + call->block->pool + who * call->block->entry, z,
               call->block->head.recipe.width * sizeof *z);
    }
    hfy_shard_put_record_(call->partial, who, &record);
}

/* One walk's share of the queries. */
HFY_PRIVATE_ void hfy_shard_share_(void *context, size_t i)
{
    const hfy_shard_call_ *call = (const hfy_shard_call_ *)context;
    const hfy_net_run_ *run = call->run;
    hfy_net_scratch_ *s = call->scratch + i;
    size_t share = call->n_queries / call->walks, rest = call->n_queries % call->walks;
    size_t who = i * share + hfy_base_min_(i, rest), last = who + share + (i < rest), j;
    size_t width = (size_t)call->block->head.recipe.width;
    hfy_real *z = run->net.readout ? s->out : s->z;
    while (who < last) {
        size_t live = 0;
        for (; live < run->tile && who < last; who++) {
            hfy_net_admit_(run, call->queries, who, live, s);
            if (s->status[live]) {
                hfy_shard_record_ record = hfy_shard_nothing_();
                record.status = (uint64_t)s->status[live];
                hfy_shard_put_record_(call->partial, who, &record);
            } else {
                live++;
            }
        }
        if (!live) continue;
        hfy_net_norms_(run, s->q, live, s->inverse_q);
        if (run->seek.index)
            hfy_index_scan_(&run->seek, s->q, live, s->who, run->net.bias, run->net.bias_stride, run->net.visible,
                            &s->index);
        else
            hfy_net_stream_keys_(run, s->q, s->who, live, s->inverse_q, call->rows, call->stride, width, s->sum, z, s);
        for (j = 0; j < live; j++) {
            if (call->block->lists)
                hfy_shard_keep_list_(call, live, j, s);
            else
                hfy_shard_keep_sum_(call, s->who[j], s->sum + j, z + j * width);
        }
    }
}

/* Closes the gaps that lists shorter than capacity have left; returns the bytes in use. */
HFY_PRIVATE_ size_t hfy_shard_pack_(const hfy_shard_block_ *b, void *partial)
{
    unsigned char *pool = (unsigned char *)partial + b->pool;
    size_t who, at = 0;
    for (who = 0; b->lists && who < b->n_queries; who++) {
        size_t count = (size_t)hfy_shard_record_at_(partial, who).count;
        if (at < who * b->capacity && count)
            memmove(pool + at * b->entry, pool + who * b->capacity * b->entry, count * b->entry);
        at += count;
    }
    return b->lists ? b->pool + at * b->entry : b->full;
}

/* Checks a net and describes its partial. n: patterns of the whole as far as known. hollow: there are no patterns here;
   the net borrows one, `none`, that nobody will look at. */
HFY_PRIVATE_ hfy_status hfy_shard_begin_(const hfy_net *net, size_t n, const hfy_real *queries, size_t n_queries,
                                         size_t capacity, int hollow, const hfy_real *none, hfy_net_run_ *run,
                                         size_t *walks, hfy_shard_block_ *block, hfy_work *work)
{
    hfy_net alone = *net;
    hfy_sep full;
    hfy_status status = hfy_shard_sep_(&net->sep, n, &full, work);
    if (status) return status;
    alone.max_steps = 1;
    if (hollow) {
        alone.count = 1;
        alone.keys = none;
        alone.values = alone.bias = NULL;
        alone.readout = net->readout_dim ? none : NULL;
        alone.visible = NULL;
        alone.index = NULL;
        alone.key_stride = alone.value_stride = alone.readout_stride = alone.bias_stride = 0;
    } else if (net->readout_dim && !net->readout) {
        return hfy_base_fail_(work, HFY_ERR_ARG, "net->readout is NULL, but readout_dim is %z", net->readout_dim);
    }
    if (hfy_sep_by_rank_(&full) && full.k > (double)alone.count) alone.sep.k = (double)alone.count;
    status = hfy_net_begin_(&alone, n_queries, !alone.readout, 0, 0, run, walks, work);
    if (status) return status;
    run->sep.k = run->net.sep.k = full.k;
    if (n_queries && !queries) return hfy_base_fail_(work, HFY_ERR_ARG, "queries is NULL");
    hfy_shard_describe_(&run->net, &full, run->net.beta, queries, n_queries, capacity, block);
    if (block->full == SIZE_MAX)
        return hfy_base_fail_(work, HFY_ERR_ARG, "%z queries with a capacity of %z: such a partial cannot exist",
                              n_queries, (size_t)block->head.capacity);
    return HFY_OK;
}

HFY_API size_t hfy_shard_bytes(const hfy_net *net, size_t n_queries, size_t capacity)
{
    hfy_work quiet;
    hfy_shard_block_ block;
    hfy_sep full;
    memset(&quiet, 0, sizeof quiet);
    if (!net || !net->dim || hfy_shard_sep_(&net->sep, SIZE_MAX / 16, &full, &quiet)) return SIZE_MAX;
    hfy_shard_describe_(net, &full, 1, NULL, n_queries, capacity, &block);
    return block.full;
}

HFY_API hfy_status hfy_shard_find(const hfy_net *net, uint64_t first, const hfy_real *queries, size_t n_queries,
                                  size_t capacity, void *partial, size_t bytes, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_net_run_ run;
    hfy_shard_block_ block;
    hfy_shard_call_ call;
    hfy_real none = 0;
    size_t *visible = NULL, i;
    hfy_status status = net ? HFY_OK : hfy_base_fail_(w, HFY_ERR_ARG, "net is NULL");
    int pass;
    memset(&call, 0, sizeof call);
    if (!status)
        status = hfy_shard_begin_(net, SIZE_MAX / 16, queries, n_queries, capacity, !net->count, &none, &run,
                                  &call.walks, &block, w);
    if (!status && !partial) status = hfy_base_fail_(w, HFY_ERR_ARG, "partial is NULL");
    if (!status && bytes < block.full)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "bytes is %z; this partial needs room for %z", bytes, block.full);
    if (!status && first > UINT64_MAX - net->count)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "first and net->count %z: there are no such patterns", net->count);
    for (pass = 0; !status && net->count && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_net_plan_shared_(&arena, &run);
        call.scratch = (hfy_net_scratch_ *)hfy_base_take_(&arena, call.walks, sizeof *call.scratch);
        visible = (size_t *)hfy_base_take_(&arena, net->visible ? n_queries : 0, sizeof *visible);
        for (i = 0; i < call.walks; i++) {
            hfy_net_scratch_ counted;
            hfy_net_plan_(&arena, &run, 0, call.scratch ? call.scratch + i : &counted);
        }
    }
    if (!status) {
        hfy_shard_record_ record = hfy_shard_nothing_();
        block.head.patterns = net->count;
        block.head.cover = hfy_shard_cover_(first, net->count);
        for (i = 0; i < n_queries; i++) hfy_shard_put_record_(partial, i, &record);
        if (!block.lists) memset((unsigned char *)partial + block.pool, 0, block.full - block.pool);
        if (net->count && n_queries) {
            for (i = 0; visible && i < n_queries; i++) /* of the slice */
                visible[i] = net->visible[i] > first ? net->visible[i] - (size_t)first : 0;
            run.net.visible = visible;
            call.run = &run, call.block = &block, call.queries = queries, call.partial = partial, call.first = first;
            call.rows = run.net.readout ? run.net.readout : run.net.values;
            call.stride = run.net.readout ? run.net.readout_stride : run.net.value_stride;
            call.n_queries = n_queries;
            hfy_net_prepare_(&run);
            hfy_base_parallel_(call.walks, hfy_shard_share_, &call);
        }
        block.head.bytes = hfy_shard_pack_(&block, partial);
        memcpy(partial, &block.head, sizeof block.head);
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API size_t hfy_shard_used(const void *partial, size_t bytes)
{
    hfy_work quiet;
    hfy_shard_block_ block;
    memset(&quiet, 0, sizeof quiet);
    return hfy_shard_read_(partial, bytes, 0, "partial", &block, &quiet) ? 0 : (size_t)block.head.bytes;
}

HFY_API size_t hfy_shard_needed(const void *partial, size_t bytes)
{
    hfy_work quiet;
    hfy_shard_block_ block;
    size_t who, most = 0;
    memset(&quiet, 0, sizeof quiet);
    if (hfy_shard_read_(partial, bytes, 1, "partial", &block, &quiet)) return 0;
    for (who = 0; block.lists && who < block.n_queries; who++) {
        hfy_shard_record_ record = hfy_shard_record_at_(partial, who);
        size_t all = hfy_base_plus_((size_t)record.count, (size_t)record.dropped);
        if (all > most) most = all;
    }
    return most;
}

/* --- merging --- */

/* One query's lists a and b into `out`; both ascending, and so is what comes out. */
HFY_PRIVATE_ hfy_shard_record_ hfy_shard_merge_lists_(const hfy_shard_block_ *into, const hfy_shard_record_ *a,
                                                      const unsigned char *a_entry, const hfy_shard_record_ *b,
                                                      const unsigned char *b_entry, unsigned char *out, double *score)
{
    hfy_shard_record_ record = hfy_shard_nothing_();
    hfy_shard_sieve_ sieve;
    size_t na = (size_t)a->count, nb = (size_t)b->count, i;
    for (i = 0; i < na; i++) score[i] = hfy_shard_score_(a_entry + i * into->entry);
    for (i = 0; i < nb; i++) score[na + i] = hfy_shard_score_(b_entry + i * into->entry);
    hfy_shard_set_sieve_(into, score, na + nb, &sieve);
    record.dropped = a->dropped + b->dropped;
    record.lost = a->lost > b->lost ? a->lost : b->lost;
    while (na || nb) {
        const unsigned char *next;
        if (!nb || (na && hfy_shard_number_(a_entry) < hfy_shard_number_(b_entry)))
            next = a_entry, a_entry += into->entry, na--;
        else
            next = b_entry, b_entry += into->entry, nb--;
        if (!hfy_shard_passes_(&sieve, hfy_shard_score_(next), &record)) continue;
        memcpy(out, next, into->entry);
        out += into->entry;
        record.count++;
    }
    hfy_shard_forget_(&sieve, &record);
    return record;
}

/* One query's sums; a's row becomes that of both. x, y: width. SOFTMAX's rows are means, EXP's wait for e^top. */
HFY_PRIVATE_ hfy_shard_record_ hfy_shard_merge_sums_(const hfy_shard_block_ *into, const hfy_shard_record_ *a,
                                                     unsigned char *a_row, const hfy_shard_record_ *b,
                                                     const unsigned char *b_row, hfy_real *x, hfy_real *y)
{
    hfy_shard_record_ record = *a;
    hfy_sep_method_ method = hfy_sep_method_of_(&into->sep);
    size_t d, width = (size_t)into->head.recipe.width;
    double keep = 1, add = 1;
    if (hfy_base_is_neg_inf_(b->top)) return record;
    if (b->top > a->top || (!(b->top < a->top) && b->best < a->best)) {
        record.top = b->top;
        record.best = b->best;
    }
    if (method == HFY_SEP_BY_SOFTMAX_ || method == HFY_SEP_BY_EXP_) {
        keep = exp(a->top - record.top);
        add = exp(b->top - record.top);
        record.sum = a->sum * keep + b->sum * add;
    }
    if (method == HFY_SEP_BY_SOFTMAX_) {
        keep = a->sum * keep / record.sum;
        add = b->sum * add / record.sum;
    }
    memcpy(x, a_row, width * sizeof *x);
    memcpy(y, b_row, width * sizeof *y);
    if (!(keep > 0) || hfy_base_is_neg_inf_(a->top)) /* to the bit */
        memcpy(x, y, width * sizeof *x);
    else if (add > 0)
        for (d = 0; d < width; d++) x[d] = (hfy_real)(keep * (double)x[d] + add * (double)y[d]);
    memcpy(a_row, x, width * sizeof *x);
    return record;
}

/* A number that stands in both lists; *overlap tells whether there is one. */
HFY_PRIVATE_ size_t hfy_shard_overlap_(const hfy_shard_block_ *a, const void *into, const hfy_shard_block_ *b,
                                       const void *from, int *overlap)
{
    const unsigned char *x = (const unsigned char *)into + a->pool, *y = (const unsigned char *)from + b->pool;
    size_t who;
    *overlap = 0;
    for (who = 0; who < a->n_queries; who++) {
        size_t na = (size_t)hfy_shard_record_at_(into, who).count, nb = (size_t)hfy_shard_record_at_(from, who).count;
        while (na && nb) {
            uint64_t p = hfy_shard_number_(x), q = hfy_shard_number_(y);
            if (p == q) {
                *overlap = 1;
                return (size_t)p;
            }
            if (p < q)
                x += a->entry, na--;
            else
                y += b->entry, nb--;
        }
        x += na * a->entry, y += nb * b->entry;
    }
    return 0;
}

HFY_API hfy_status hfy_shard_merge(void *into, size_t into_bytes, const void *from, size_t from_bytes, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_shard_block_ a, b;
    unsigned char *copy = NULL, *x, *out;
    const unsigned char *y;
    double *score = NULL;
    hfy_real *rows = NULL;
    size_t who, used = 0, most = 0;
    hfy_status status = hfy_shard_read_(into, into_bytes, 1, "into", &a, w);
    int pass, overlap;
    if (!status) status = hfy_shard_read_(from, from_bytes, 1, "from", &b, w);
    if (!status) status = hfy_shard_agree_(&a, &b, "from", w);
    if (!status && into == from) status = hfy_base_fail_(w, HFY_ERR_ARG, "from is into; a partial counts once");
    if (!status && into_bytes < a.full)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "into_bytes is %z; into needs room for %z", into_bytes, a.full);
    if (!status && a.lists) {
        size_t twice = hfy_shard_overlap_(&a, into, &b, from, &overlap);
        if (overlap)
            status = hfy_base_fail_(w, HFY_ERR_ARG,
                                    "into and from both hold pattern %z; their slices should not overlap", twice);
    }
    for (who = 0; !status && a.lists && who < a.n_queries; who++) {
        size_t both = (size_t)(hfy_shard_record_at_(into, who).count + hfy_shard_record_at_(from, who).count);
        if (both > most) most = both;
    }
    if (!status) used = (size_t)a.head.bytes - a.pool;
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        copy = (unsigned char *)hfy_base_take_(&arena, a.lists ? used : 0, 1);
        score = (double *)hfy_base_take_(&arena, most, sizeof *score);
        rows = (hfy_real *)hfy_base_take_(&arena, a.lists ? 0 : 2 * (size_t)a.head.recipe.width, sizeof *rows);
    }
    if (!status) {
        x = out = (unsigned char *)into + a.pool;
        y = (const unsigned char *)from + b.pool;
        if (copy) {
            memcpy(copy, x, used);
            x = copy;
        }
        for (who = 0; who < a.n_queries; who++) {
            hfy_shard_record_ one = hfy_shard_record_at_(into, who), two = hfy_shard_record_at_(from, who), both;
            if (one.status || two.status) {
                both = hfy_shard_nothing_();
                both.status = !two.status || (one.status && one.status < two.status) ? one.status : two.status;
            } else if (a.lists) {
                both = hfy_shard_merge_lists_(&a, &one, x, &two, y, out, score);
            } else {
                both = hfy_shard_merge_sums_(&a, &one, x, &two, y, rows, rows + a.head.recipe.width);
            }
            hfy_shard_put_record_(into, who, &both);
            x += (a.lists ? (size_t)one.count : 1) * a.entry;
            y += (b.lists ? (size_t)two.count : 1) * b.entry;
            out += (a.lists ? (size_t)both.count : 1) * a.entry;
        }
        a.head.bytes = (uint64_t)(out - (unsigned char *)into);
        a.head.patterns += b.head.patterns;
        a.head.cover += b.head.cover;
        memcpy(into, &a.head, sizeof a.head);
    }
    return hfy_base_close_(w, &local, status);
}

/* --- finishing --- */

/* The last half of the step for the query that sits in s; its entries begin at `entry`. rows, number: room for them. */
HFY_PRIVATE_ hfy_status hfy_shard_answer_(const hfy_net_run_ *run, const hfy_shard_block_ *b,
                                          const hfy_shard_record_ *record, const unsigned char *entry, hfy_real *rows,
                                          size_t *number, hfy_real *out, const hfy_report *report, hfy_net_scratch_ *s)
{
    size_t l, count = (size_t)record->count, width = (size_t)b->head.recipe.width;
    hfy_real *z = run->net.readout ? s->out : s->z;
    const hfy_real *weight;
    hfy_status status;
    if (s->status[0]) return s->status[0];
    if (record->status) return (hfy_status)record->status;
    if (record->dropped) return HFY_ERR_NOMEM;
    s->log_scale[0] = 0;
    if (!b->lists) {
        if (hfy_base_is_neg_inf_(record->top)) return HFY_ERR_ARG;
        if (b->sep.kind == HFY_SEP_EXP) s->log_scale[0] = record->top;
        memcpy(z, entry, width * sizeof *z);
        s->sum[0].best = (size_t)record->best;
        hfy_net_settle_(run, report, 0, NULL, NULL, 0, !run->net.readout, 1, out, NULL, s);
        return s->status[0];
    }
    for (l = 0; l < count; l++, entry += b->entry) {
        uint64_t global = hfy_shard_number_(entry);
        number[l] = global < SIZE_MAX ? (size_t)global : SIZE_MAX;
        s->sep.index[l] = l;
        s->sep.weight[l] = hfy_shard_score_(entry);
        memcpy(rows + l * width, entry + 16, width * sizeof *rows);
    }
    s->sep.count = count;
    status = hfy_sep_candidates_(&run->sep, &s->sep);
    if (status) return status;
    weight = hfy_net_round_weights_(&s->sep);
    hfy_net_gather_(run->simd, s->sep.index, weight, s->sep.count, rows, width, width, s->stream->part, z);
    for (l = 0; l < s->sep.count; l++) s->sep.index[l] = number[s->sep.index[l]];
    hfy_net_settle_(run, report, 0, s->sep.index, weight, s->sep.count, !run->net.readout, 1, out, NULL, s);
    return s->status[0];
}

HFY_API hfy_status hfy_shard_finish(const hfy_net *net, const hfy_real *queries, size_t n_queries, const void *partial,
                                    size_t bytes, hfy_real *out, const hfy_report *report, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_net_run_ run;
    hfy_shard_block_ asked, block;
    hfy_net_scratch_ scratch;
    hfy_real none = 0, *rows = NULL;
    size_t *number = NULL, walks, who, most = 1;
    hfy_status status = net ? HFY_OK : hfy_base_fail_(w, HFY_ERR_ARG, "net is NULL");
    int pass;
    if (!status)
        status = hfy_shard_begin_(net, net->count ? net->count : SIZE_MAX / 16, queries, n_queries, 1, 1, &none, &run,
                                  &walks, &asked, w);
    if (!status) status = hfy_shard_read_(partial, bytes, 1, "partial", &block, w);
    if (!status) status = hfy_shard_agree_(&asked, &block, "partial", w);
    if (!status && net->count &&
        (block.head.patterns != net->count || block.head.cover != hfy_shard_cover_(0, net->count)))
        status = hfy_base_fail_(w, HFY_ERR_ARG,
                                "partial covers %z patterns; it should cover each of the %z of the net once",
                                (size_t)block.head.patterns, net->count);
    if (!status && n_queries && !out) status = hfy_base_fail_(w, HFY_ERR_ARG, "out is NULL");
    if (!status && n_queries && queries == out && net->readout_dim && net->readout_dim != net->dim)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "out is queries, but readout_dim %z is not dim %z", net->readout_dim,
                                net->dim);
    if (!status && report) {
        const char *none_such = report->energy ? "energy" : report->weights ? "weights" : NULL;
        if (report->residual && net->readout_dim) none_such = "residual";
        if (!block.lists && (report->support || report->top_index || report->top_weight))
            none_such = report->support ? "support" : "top";
        if (none_such)
            status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "report->%s is set; a partial does not know it", none_such);
        else if ((report->top_index || report->top_weight) && !hfy_base_fits_(n_queries, report->top, sizeof(size_t)))
            status = hfy_base_fail_(w, HFY_ERR_ARG, "report: arrays for %z queries cannot exist", n_queries);
    }
    for (who = 0; !status && block.lists && who < n_queries; who++) {
        hfy_shard_record_ record = hfy_shard_record_at_(partial, who);
        if (record.count > most) most = (size_t)record.count;
    }
    if (!status) { /* a net of `most` candidates, one query at a time */
        run.net.count = most;
        run.tile = run.workers = run.capacity = 1;
        run.block = 8;
    }
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        number = (size_t *)hfy_base_take_(&arena, block.lists ? most : 0, sizeof *number);
        rows = (hfy_real *)hfy_base_take_(
            &arena, block.lists ? hfy_base_times_(most, (size_t)block.head.recipe.width) : 0, sizeof *rows);
        hfy_net_plan_(&arena, &run, 0, &scratch);
    }
    if (!status) {
        const unsigned char *entry = (const unsigned char *)partial + block.pool;
        for (who = 0; who < n_queries; who++) {
            hfy_shard_record_ record = hfy_shard_record_at_(partial, who);
            hfy_status one;
            hfy_net_admit_(&run, queries, who, 0, &scratch);
            one = hfy_shard_answer_(&run, &block, &record, entry, rows, number, out, report, &scratch);
            entry += (block.lists ? (size_t)record.count : 1) * block.entry;
            if (report && report->status) report->status[who] = one;
            if (!one || status) continue;
            status = one;
            if (one == HFY_ERR_NOMEM)
                hfy_base_fail_(w, one, "query %z has more candidates than its partials' capacity; %z would do", who,
                               (size_t)(record.count + record.dropped));
            else
                hfy_net_failed_(w, one, who);
        }
    }
    return hfy_base_close_(w, &local, status);
}

#undef HFY_SHARD_MAGIC_
#undef HFY_SHARD_FORMAT_
#undef HFY_SHARD_CAPACITY_

/* ------------------------------------------------------------------------------------------------------------------
   >>binary.impl   memories of +1 and -1
   May call: base, linalg, net (its types).
   How: a state's dots with the patterns, b_i = x_i.q, are whole numbers and are kept up to date, +-2 a flip. What bit j
   would gain by being +1 (MHN eq. A530) is
       T_j = sum over i of F(x_ij + h_ij) - F(-x_ij + h_ij) = sum of x_ij G(h_ij),   h_ij = b_i - x_ij q_j,
       G(h) = F(h + 1) - F(h - 1),
   and G is a table over whole numbers.
   Numerics: powers are taken of h / s, s a power of two just above what occurs, so that no term overflows and the
   largest is above 2^-degree; where whole numbers fit in 53 bits s = 1 and the sum is exact, ties included. For F = e^a
   G is 2 sinh(1) e^h; only the sign is used, so e^(h - top) replaces it.
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_BINARY_EXPS_ 746 /* e^-746 is 0 */

HFY_PRIVATE_ hfy_status hfy_binary_check_rows_(const hfy_real *x, size_t rows, size_t dim, size_t stride,
                                               const char *name, hfy_work *w)
{
    size_t i, j;
    if (!rows || !dim)
        return hfy_base_fail_(w, HFY_ERR_ARG, "count is %z and dim %z; both should be at least 1", rows, dim);
    if (stride && stride < dim)
        return hfy_base_fail_(w, HFY_ERR_ARG, "stride is %z; it should be 0 or at least dim, %z", stride, dim);
    if (!hfy_base_fits_(rows, stride ? stride : dim, sizeof(double)) || !hfy_base_fits_(dim, dim, sizeof(double)) ||
        !hfy_base_fits_(rows, rows, sizeof(double)))
        return hfy_base_fail_(w, HFY_ERR_ARG, "count %z and dim %z: an array of that size cannot exist", rows, dim);
    if (!x) return hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", name);
    if (!stride) stride = dim;
    for (i = 0; i < rows; i++)
        for (j = 0; j < dim; j++)
            if (!hfy_base_is_finite_((double)x[i * stride + j]))
                return hfy_base_fail_(w, HFY_ERR_NONFINITE, "%s holds NaN or infinity in row %z", name, i);
    return HFY_OK;
}

typedef struct hfy_binary_rules_ {
    const hfy_simd_ *simd;
    double *x, *dual; /* count x dim */
    double *gram, *values, *vectors, *turned, *gemm;
    hfy_linalg_eigen_ eigen;
} hfy_binary_rules_;

HFY_PRIVATE_ void hfy_binary_plan_rules_(hfy_base_arena_ *arena, hfy_binary_rule rule, size_t count, size_t dim,
                                         hfy_binary_rules_ *s)
{
    size_t most = count > dim ? count : dim;
    s->x = (double *)hfy_base_take_(arena, hfy_base_times_(count, dim), sizeof(double));
    s->gemm = (double *)hfy_base_take_(arena, hfy_linalg_gemm_scratch_(most, most, most, sizeof(double)),
                                       sizeof(double));
    if (rule == HFY_BINARY_HEBBIAN) return;
    s->dual = (double *)hfy_base_take_(arena, hfy_base_times_(count, dim), sizeof(double));
    s->turned = (double *)hfy_base_take_(arena, hfy_base_times_(count, dim), sizeof(double));
    s->gram = (double *)hfy_base_take_(arena, hfy_base_times_(count, count), sizeof(double));
    s->vectors = (double *)hfy_base_take_(arena, hfy_base_times_(count, count), sizeof(double));
    s->values = (double *)hfy_base_take_(arena, count, sizeof(double));
    hfy_linalg_eigen_plan_(arena, count, 1, &s->eigen);
}

/* s->dual: the rows of (X^+)^T = (X X^T)^+ X, from the eigenvectors of X X^T. */
HFY_PRIVATE_ hfy_status hfy_binary_dual_(hfy_binary_rules_ *s, size_t count, size_t dim, hfy_work *w)
{
    size_t i, j, kept = 0;
    hfy_status status;
    hfy_linalg_dgemm_(s->simd, count, count, dim, 1, s->x, dim, 1, s->x, 1, dim, 0, s->gram, count, 1, s->gemm);
    s->eigen.simd = s->simd;
    status = hfy_linalg_eigen_run_(&s->eigen, s->gram, s->values, s->vectors);
    if (status)
        return hfy_base_fail_(w, status, "QL did not converge on the %z x %z dots of the patterns", count, count);
    while (kept < count && s->values[kept] > 1e-12 * (double)count * s->values[0]) kept++;
    hfy_linalg_dgemm_(s->simd, kept, dim, count, 1, s->vectors, count, 1, s->x, dim, 1, 0, s->turned, dim, 1, s->gemm);
    for (i = 0; i < kept; i++)
        for (j = 0; j < dim; j++) s->turned[i * dim + j] /= s->values[i];
    memset(s->dual, 0, count * dim * sizeof(double));
    hfy_linalg_dgemm_(s->simd, count, dim, kept, 1, s->vectors, 1, count, s->turned, dim, 1, 0, s->dual, dim, 1,
                      s->gemm);
    return HFY_OK;
}

HFY_API hfy_status hfy_binary_weights(hfy_binary_rule rule, const hfy_real *patterns, size_t count, size_t dim,
                                      size_t stride, int self_coupling, hfy_real *weights, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_binary_rules_ s;
    hfy_status status = HFY_OK;
    double *sum = NULL;
    size_t i, j;
    int pass;
    memset(&s, 0, sizeof s);
    s.simd = hfy_simd_choose_(w);
    if (!s.simd)
        status = HFY_ERR_UNSUPPORTED;
    else if ((unsigned)rule > HFY_BINARY_PSEUDO_INVERSE)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "rule is %z; it should be one of hfy_binary_rule", (size_t)rule);
    else if (!weights)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "weights is NULL");
    else
        status = hfy_binary_check_rows_(patterns, count, dim, stride, "patterns", w);
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        sum = (double *)hfy_base_take_(&arena, dim * dim, sizeof(double));
        hfy_binary_plan_rules_(&arena, rule, count, dim, &s);
    }
    if (!status) {
        if (!stride) stride = dim;
        for (i = 0; i < count; i++)
            for (j = 0; j < dim; j++) s.x[i * dim + j] = (double)patterns[i * stride + j];
        if (rule == HFY_BINARY_PSEUDO_INVERSE) status = hfy_binary_dual_(&s, count, dim, w);
    }
    if (!status) {
        hfy_linalg_dgemm_(s.simd, dim, dim, count, 1, s.x, 1, dim, rule == HFY_BINARY_HEBBIAN ? s.x : s.dual, dim, 1, 0,
                          sum, dim, 1, s.gemm);
        for (i = 0; i < dim; i++)
            for (j = 0; j < dim; j++) weights[i * dim + j] = i == j && !self_coupling ? 0 : (hfy_real)sum[i * dim + j];
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_binary_net(hfy_binary_rule rule, const hfy_real *patterns, size_t count, size_t dim,
                                  size_t stride, hfy_real *keys, hfy_real *coupling, hfy_net *net, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_binary_rules_ s;
    hfy_status status = HFY_OK;
    size_t i, j;
    int pass;
    memset(&s, 0, sizeof s);
    s.simd = hfy_simd_choose_(w);
    if (!s.simd)
        status = HFY_ERR_UNSUPPORTED;
    else if ((unsigned)rule > HFY_BINARY_PSEUDO_INVERSE)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "rule is %z; it should be one of hfy_binary_rule", (size_t)rule);
    else if (!net || (rule == HFY_BINARY_PSEUDO_INVERSE && !keys))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !net ? "net" : "keys");
    else
        status = hfy_binary_check_rows_(patterns, count, dim, stride, "patterns", w);
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_binary_plan_rules_(&arena, rule, count, dim, &s);
    }
    if (!status) {
        if (!stride) stride = dim;
        for (i = 0; i < count; i++)
            for (j = 0; j < dim; j++) s.x[i * dim + j] = (double)patterns[i * stride + j];
        if (rule == HFY_BINARY_PSEUDO_INVERSE) status = hfy_binary_dual_(&s, count, dim, w);
    }
    if (!status) {
        const double *dual = rule == HFY_BINARY_HEBBIAN ? s.x : s.dual;
        memset(net, 0, sizeof *net);
        net->dim = dim;
        net->count = count;
        net->keys = patterns;
        net->key_stride = stride;
        if (rule == HFY_BINARY_PSEUDO_INVERSE) {
            for (i = 0; i < count * dim; i++) keys[i] = (hfy_real)dual[i];
            net->keys = keys;
            net->key_stride = dim;
            net->values = patterns;
            net->value_stride = stride;
        }
        for (j = 0; coupling && j < dim; j++) {
            double sum = 0;
            for (i = 0; i < count; i++) sum += s.x[i * dim + j] * dual[i * dim + j];
            coupling[j] = (hfy_real)sum;
        }
        net->self_coupling = coupling;
        net->beta = 1;
        net->sep.kind = HFY_SEP_IDENTITY;
        net->post.kind = HFY_POST_SIGN;
    }
    return hfy_base_close_(w, &local, status);
}

/* --- recall --- */

/* What one worker needs for one query. */
typedef struct hfy_binary_slot_ {
    signed char *q, *next, *before; /* dim */
    int32_t *dot;                   /* count */
    double *table;                  /* G, or e^-k */
    size_t *order;                  /* dim */
    long scale;                     /* powers: what the table was made for */
    int cycle;
} hfy_binary_slot_;

typedef struct hfy_binary_run_ {
    const hfy_binary *memory;
    size_t stride, max_sweeps, n, tasks;
    double degree;
    int exact;
    const hfy_real *queries;
    hfy_real *out;
    hfy_binary_report report;
    signed char *columns; /* dim x count */
    hfy_binary_slot_ *slot;
} hfy_binary_run_;

HFY_PRIVATE_ double hfy_binary_power_(double x, double degree)
{
    unsigned n = (unsigned)degree;
    double y = 1;
    for (; n; n >>= 1, x *= x)
        if (n & 1) y *= x;
    return y;
}

/* F(a) / s^degree: powers only. */
HFY_PRIVATE_ double hfy_binary_f_(const hfy_binary_run_ *run, double a, double s)
{
    if (run->memory->kind == HFY_BINARY_RECTIFIED && a < 0) return 0;
    return hfy_binary_power_(a / s, run->degree);
}

/* A power of two at or above x >= 1. */
HFY_PRIVATE_ long hfy_binary_above_(long x)
{
    long s = 1;
    while (s < x) s *= 2;
    return s;
}

/* The table of G for dots up to `most` in size. */
HFY_PRIVATE_ void hfy_binary_table_(const hfy_binary_run_ *run, hfy_binary_slot_ *slot, long most)
{
    long dim = (long)run->memory->dim, h, s = run->exact ? 1 : hfy_binary_above_(most + 2);
    if (s == slot->scale) return;
    slot->scale = s;
    for (h = -dim; h <= dim; h++) { /* beyond s there is nothing to look up, and it could overflow */
        double over = (double)(run->exact ? h : h < -s ? -s : h > s ? s : h);
        slot->table[h + dim] = hfy_binary_f_(run, over + 1, (double)s) - hfy_binary_f_(run, over - 1, (double)s);
    }
}

/* Makes the table fit the dots of now, and returns what EXP counts down from. */
HFY_PRIVATE_ int32_t hfy_binary_ready_(const hfy_binary_run_ *run, hfy_binary_slot_ *slot)
{
    int32_t most = INT32_MIN, least = INT32_MAX;
    size_t i, n = run->memory->count;
    for (i = 0; i < n; i++) {
        if (slot->dot[i] > most) most = slot->dot[i];
        if (slot->dot[i] < least) least = slot->dot[i];
    }
    if (run->memory->kind == HFY_BINARY_EXP) return most + 1;
    if (run->memory->kind == HFY_BINARY_RECTIFIED)
        hfy_binary_table_(run, slot, most > 0 ? most : 0);
    else
        hfy_binary_table_(run, slot, most > -least ? most : -(long)least);
    return 0;
}

/* T_j up to a positive factor. */
HFY_PRIVATE_ double hfy_binary_drive_(const hfy_binary_run_ *run, const hfy_binary_slot_ *slot, size_t j, int32_t top)
{
    const hfy_binary *m = run->memory;
    size_t i, n = m->count;
    double sum = 0;
    if (m->kind == HFY_BINARY_WEIGHTS) {
        const hfy_real *row = m->weights + j * m->dim;
        double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (i = 0; i + 4 <= m->dim; i += 4) {
            s0 += (double)row[i] * slot->q[i];
            s1 += (double)row[i + 1] * slot->q[i + 1];
            s2 += (double)row[i + 2] * slot->q[i + 2];
            s3 += (double)row[i + 3] * slot->q[i + 3];
        }
        for (; i < m->dim; i++) s0 += (double)row[i] * slot->q[i];
        return (s0 + s1) + (s2 + s3);
    }
    {
        const signed char *x = run->columns + j * n;
        const int32_t own = slot->q[j];
        if (m->kind == HFY_BINARY_EXP) {
            for (i = 0; i < n; i++) {
                int32_t under = top - (slot->dot[i] - x[i] * own);
                if (under < HFY_BINARY_EXPS_) sum += x[i] * slot->table[under];
            }
        } else {
            const double *g = slot->table + m->dim;
            for (i = 0; i < n; i++) sum += x[i] * g[slot->dot[i] - x[i] * own];
        }
    }
    return sum;
}

HFY_PRIVATE_ void hfy_binary_dots_(const hfy_binary_run_ *run, hfy_binary_slot_ *slot)
{
    size_t i, j, n = run->memory->count;
    if (run->memory->kind == HFY_BINARY_WEIGHTS) return;
    for (i = 0; i < n; i++) slot->dot[i] = 0;
    for (j = 0; j < run->memory->dim; j++) {
        const signed char *x = run->columns + j * n;
        int32_t own = slot->q[j];
        for (i = 0; i < n; i++) slot->dot[i] += x[i] * own;
    }
}

/* E and ln(-E) of the slot's state. */
HFY_PRIVATE_ void hfy_binary_energies_(const hfy_binary_run_ *run, const hfy_binary_slot_ *slot, double *energy,
                                       double *log_energy)
{
    const hfy_binary *m = run->memory;
    double sum = 0, shift = 0, factor = 1; /* -E = sum factor, factor = e^shift */
    size_t i;
    if (m->kind == HFY_BINARY_WEIGHTS) {
        for (i = 0; i < m->dim; i++) sum += 0.5 * slot->q[i] * hfy_binary_drive_(run, slot, i, 0);
    } else {
        double top = -HUGE_VAL, s = 1;
        for (i = 0; i < m->count; i++) {
            double d = (double)slot->dot[i];
            if (m->kind == HFY_BINARY_POWER) d = fabs(d);
            if (d > top) top = d;
        }
        if (m->kind == HFY_BINARY_EXP) {
            for (i = 0; i < m->count; i++) sum += exp((double)slot->dot[i] - top);
            shift = top;
            factor = exp(top);
        } else {
            if (!run->exact && top > 1) s = (double)hfy_binary_above_((long)top);
            for (i = 0; i < m->count; i++) sum += hfy_binary_f_(run, (double)slot->dot[i], s);
            shift = run->degree * log(s);
            factor = hfy_binary_power_(s, run->degree);
        }
    }
    *log_energy = sum > 0 ? log(sum) + shift : sum < 0 ? HUGE_VAL - HUGE_VAL : -HUGE_VAL;
    *energy = factor <= DBL_MAX ? -sum * factor
              : sum > 0         ? -exp(log(sum) + shift)
              : sum < 0         ? exp(log(-sum) + shift)
                                : 0;
}

HFY_PRIVATE_ void hfy_binary_note_(const hfy_binary_run_ *run, const hfy_binary_slot_ *slot, size_t who, size_t sweep)
{
    double energy, log_energy;
    size_t at = who * (run->max_sweeps + 1);
    if (!run->report.energy && !run->report.log_energy) return;
    hfy_binary_energies_(run, slot, &energy, &log_energy);
    if (run->report.energy) run->report.energy[at + sweep] = energy;
    if (run->report.log_energy) run->report.log_energy[at + sweep] = log_energy;
}

/* One sweep: how many bits changed. */
HFY_PRIVATE_ size_t hfy_binary_sweep_(const hfy_binary_run_ *run, hfy_binary_slot_ *slot, hfy_rng *rng)
{
    const hfy_binary *m = run->memory;
    size_t flips = 0, i, l;
    int32_t top = m->kind == HFY_BINARY_WEIGHTS ? 0 : hfy_binary_ready_(run, slot);
    if (m->order == HFY_BINARY_SYNCHRONOUS) {
        for (i = 0; i < m->dim; i++) {
            double t = hfy_binary_drive_(run, slot, i, top);
            slot->next[i] = (signed char)(t > 0 ? 1 : t < 0 ? -1 : slot->q[i]);
            flips += slot->next[i] != slot->q[i];
        }
        slot->cycle = flips && !memcmp(slot->next, slot->before, m->dim); /* where it was two sweeps ago */
        memcpy(slot->before, slot->q, m->dim);
        memcpy(slot->q, slot->next, m->dim);
        if (flips) hfy_binary_dots_(run, slot);
        return flips;
    }
    if (m->order == HFY_BINARY_RANDOM) /* Fisher-Yates */
        for (i = m->dim; i > 1; i--) {
            size_t other = (size_t)(hfy_rng_u64(rng) % i), hold = slot->order[i - 1];
            slot->order[i - 1] = slot->order[other];
            slot->order[other] = hold;
        }
    for (l = 0; l < m->dim; l++) {
        size_t j = slot->order[l];
        double t = hfy_binary_drive_(run, slot, j, top);
        int32_t want = t > 0 ? 1 : t < 0 ? -1 : slot->q[j];
        if (want == slot->q[j]) continue;
        slot->q[j] = (signed char)want;
        flips++;
        if (m->kind == HFY_BINARY_WEIGHTS) continue;
        for (i = 0; i < m->count; i++) slot->dot[i] += 2 * want * run->columns[j * m->count + i];
        top = hfy_binary_ready_(run, slot);
    }
    return flips;
}

HFY_PRIVATE_ void hfy_binary_task_(void *context, size_t task)
{
    const hfy_binary_run_ *run = (const hfy_binary_run_ *)context;
    const hfy_binary *m = run->memory;
    hfy_binary_slot_ *slot = run->slot + task;
    size_t first = run->n * task / run->tasks, last = run->n * (task + 1) / run->tasks, who, i, t;
    if (m->kind == HFY_BINARY_EXP)
        for (i = 0; i < HFY_BINARY_EXPS_; i++) slot->table[i] = exp(-(double)i);
    for (who = first; who < last; who++) {
        hfy_rng rng = hfy_rng_seed(m->seed + who);
        size_t total = 0, flips, period = 0;
        for (i = 0; i < m->dim; i++) {
            slot->q[i] = (signed char)(run->queries[who * m->dim + i] > 0 ? 1 : -1);
            slot->order[i] = m->order == HFY_BINARY_FIXED && m->sequence ? m->sequence[i] : i;
            slot->before[i] = 0;
        }
        slot->scale = 0;
        slot->cycle = 0;
        hfy_binary_dots_(run, slot);
        hfy_binary_note_(run, slot, who, 0);
        for (t = 0; t < run->max_sweeps && !period;) {
            flips = hfy_binary_sweep_(run, slot, &rng);
            total += flips;
            t++;
            hfy_binary_note_(run, slot, who, t);
            period = !flips ? 1 : slot->cycle ? 2 : 0;
        }
        for (i = t + 1; i <= run->max_sweeps; i++) { /* the tail */
            size_t at = who * (run->max_sweeps + 1);
            if (run->report.energy) run->report.energy[at + i] = run->report.energy[at + t];
            if (run->report.log_energy) run->report.log_energy[at + i] = run->report.log_energy[at + t];
        }
        for (i = 0; i < m->dim; i++) run->out[who * m->dim + i] = (hfy_real)slot->q[i];
        if (run->report.sweeps) run->report.sweeps[who] = t;
        if (run->report.flips) run->report.flips[who] = total;
        if (run->report.period) run->report.period[who] = period;
    }
}

/* Checks everything and fills run but for its arrays. */
HFY_PRIVATE_ hfy_status hfy_binary_open_(const hfy_binary *m, const hfy_real *states, size_t n, const char *name,
                                         hfy_binary_run_ *run, hfy_work *w)
{
    hfy_status status;
    size_t i, j;
    memset(run, 0, sizeof *run);
    if (!m) return hfy_base_fail_(w, HFY_ERR_ARG, "memory is NULL");
    if ((unsigned)m->kind > HFY_BINARY_EXP)
        return hfy_base_fail_(w, HFY_ERR_ARG, "kind is %z; it should be one of hfy_binary_kind", (size_t)m->kind);
    if ((unsigned)m->order > HFY_BINARY_RANDOM)
        return hfy_base_fail_(w, HFY_ERR_ARG, "order is %z; it should be one of hfy_binary_order", (size_t)m->order);
    run->memory = m;
    run->stride = m->stride ? m->stride : m->dim;
    run->max_sweeps = m->max_sweeps ? m->max_sweeps : 100;
    run->degree = m->degree > 0 || m->degree < 0 || hfy_base_is_nan_(m->degree) ? m->degree : 3;
    run->n = n;
    run->queries = states;
    if (m->kind == HFY_BINARY_WEIGHTS)
        status = hfy_binary_check_rows_(m->weights, m->dim, m->dim, 0, "weights", w);
    else
        status = hfy_binary_check_rows_(m->patterns, m->count, m->dim, m->stride, "patterns", w);
    if (status == HFY_ERR_NONFINITE) status = HFY_ERR_ARG;
    if (status) return status;
    if (m->dim > 1000000000 || m->count > 4000000000u)
        return hfy_base_fail_(w, HFY_ERR_ARG, "dim is %z and count %z; at most 1e9 and 4e9 are possible", m->dim,
                              m->count);
    if ((m->kind == HFY_BINARY_POWER || m->kind == HFY_BINARY_RECTIFIED) &&
        !(run->degree >= 2 && run->degree <= 512 && run->degree <= floor(run->degree)))
        return hfy_base_fail_(w, HFY_ERR_ARG, "degree is %g; it should be a whole number from 2 to 512", run->degree);
    if (m->kind != HFY_BINARY_WEIGHTS)
        for (i = 0; i < m->count; i++)
            for (j = 0; j < m->dim; j++) {
                double v = (double)m->patterns[i * run->stride + j];
                if (!(fabs(v) >= 1 && fabs(v) <= 1))
                    return hfy_base_fail_(w, HFY_ERR_ARG, "patterns[%z][%z] is %g; it should be +1 or -1", i, j, v);
            }
    if (!hfy_base_fits_(n, m->dim, sizeof(double)))
        return hfy_base_fail_(w, HFY_ERR_ARG, "%z states of dim %z: an array of that size cannot exist", n, m->dim);
    if (n && !states) return hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", name);
    for (i = 0; i < n; i++)
        for (j = 0; j < m->dim; j++) {
            double v = (double)states[i * m->dim + j];
            if (!(fabs(v) >= 1 && fabs(v) <= 1))
                return hfy_base_fail_(w, HFY_ERR_ARG, "%s[%z][%z] is %g; it should be +1 or -1", name, i, j, v);
        }
    run->exact = (double)m->count * pow((double)m->dim + 1, run->degree) < 4503599627370496.0; /* 2^52 */
    run->tasks = hfy_base_min_(hfy_base_workers_(), n ? n : 1);
    return HFY_OK;
}

/* Arrays of a run, and the patterns by columns. */
HFY_PRIVATE_ hfy_status hfy_binary_reserve_(hfy_binary_run_ *run, hfy_work *w)
{
    hfy_base_arena_ arena = {NULL, 0};
    const hfy_binary *m = run->memory;
    hfy_status status = HFY_OK;
    size_t i, j, t;
    int pass, dense = m->kind != HFY_BINARY_WEIGHTS;
    for (pass = 0; pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) return status;
        run->slot = (hfy_binary_slot_ *)hfy_base_take_(&arena, run->tasks, sizeof *run->slot);
        run->columns = (signed char *)hfy_base_take_(&arena, dense ? m->count * m->dim : 0, 1);
        for (t = 0; t < run->tasks; t++) {
            hfy_binary_slot_ slot;
            memset(&slot, 0, sizeof slot);
            slot.q = (signed char *)hfy_base_take_(&arena, m->dim, 1);
            slot.next = (signed char *)hfy_base_take_(&arena, m->dim, 1);
            slot.before = (signed char *)hfy_base_take_(&arena, m->dim, 1);
            slot.order = (size_t *)hfy_base_take_(&arena, m->dim, sizeof(size_t));
            slot.dot = (int32_t *)hfy_base_take_(&arena, dense ? m->count : 0, sizeof(int32_t));
            slot.table = (double *)hfy_base_take_(&arena,
                                                  m->kind == HFY_BINARY_EXP ? HFY_BINARY_EXPS_
                                                  : dense                   ? 2 * m->dim + 1
                                                                            : 0,
                                                  sizeof(double));
            if (pass) run->slot[t] = slot;
        }
    }
    for (i = 0; dense && i < m->count; i++)
        for (j = 0; j < m->dim; j++)
            run->columns[j * m->count + i] = (signed char)(m->patterns[i * run->stride + j] > 0 ? 1 : -1);
    return HFY_OK;
}

HFY_API hfy_status hfy_binary_recall(const hfy_binary *memory, const hfy_real *queries, size_t n_queries, hfy_real *out,
                                     const hfy_binary_report *report, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_binary_run_ run;
    hfy_status status = hfy_binary_open_(memory, queries, n_queries, "queries", &run, w);
    size_t j, k;
    if (!status && n_queries && !out) status = hfy_base_fail_(w, HFY_ERR_ARG, "out is NULL");
    if (!status && report && (report->energy || report->log_energy) &&
        (run.max_sweeps == SIZE_MAX || !hfy_base_fits_(n_queries, run.max_sweeps + 1, sizeof(double))))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "max_sweeps is %z: no array can hold so many energies", run.max_sweeps);
    if (!status && memory->order == HFY_BINARY_FIXED && memory->sequence) {
        for (j = 0; j < memory->dim && !status; j++)
            if (memory->sequence[j] >= memory->dim)
                status = hfy_base_fail_(w, HFY_ERR_ARG, "sequence[%z] is %z; it should be below dim, %z", j,
                                        memory->sequence[j], memory->dim);
    }
    if (!status) status = hfy_binary_reserve_(&run, w);
    if (!status && memory->order == HFY_BINARY_FIXED && memory->sequence) { /* each bit once */
        signed char *seen = run.slot[0].next;
        memset(seen, 0, memory->dim);
        for (j = 0; j < memory->dim && !status; j++) {
            k = memory->sequence[j];
            if (seen[k]++)
                status = hfy_base_fail_(w, HFY_ERR_ARG, "sequence has %z twice; it should be a permutation", k);
        }
    }
    if (!status) {
        run.out = out;
        if (report) run.report = *report;
        if (n_queries) hfy_base_parallel_(run.tasks, hfy_binary_task_, &run);
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_binary_energy(const hfy_binary *memory, const hfy_real *states, size_t n, double *energy,
                                     double *log_energy, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_binary_run_ run;
    hfy_status status = hfy_binary_open_(memory, states, n, "states", &run, w);
    size_t i, j;
    if (!status) {
        run.tasks = 1;
        status = hfy_binary_reserve_(&run, w);
    }
    for (i = 0; !status && i < n; i++) {
        double e, log_e;
        for (j = 0; j < memory->dim; j++) run.slot->q[j] = (signed char)(states[i * memory->dim + j] > 0 ? 1 : -1);
        hfy_binary_dots_(&run, run.slot);
        hfy_binary_energies_(&run, run.slot, &e, &log_e);
        if (energy) energy[i] = e;
        if (log_energy) log_energy[i] = log_e;
    }
    return hfy_base_close_(w, &local, status);
}

#undef HFY_BINARY_EXPS_
/* ------------------------------------------------------------------------------------------------------------------
   >>kernel.impl   kernel memories of +1 and -1
   Shapes: K P x P, alpha, H = K alpha P x N, pattern-major; states n x words, packed.
   May call: base, simd, linalg, net and binary (their types).
   Numerics: everything in double. |x - y|^2 = 4 d exactly, so K is a table over d. r = -s sigmoid(-s h) + lambda a,
   s = +-1, loses nothing where |h| is large; nor do p(1-p) = e / (1+e)^2 and 1 / (p(1-p)) = 2 + 2 cosh h, e = e^-|h|.
   Sums over patterns and neurons are made row by row and then down the rows, whatever the number of threads.
   Training: p(1-p) <= 1/4, so B = K/4 + lambda bounds every neuron's Hessian in the metric of K: the step
   Z - B^-1 r(Z) never raises the loss, Nesterov's momentum speeds it up, and the sign of r.(H_new - H) = the gradient
   along the last move restarts it. No inverse of K anywhere.
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_KERNEL_BATCH_ 64    /* states whose potentials are one matrix product */
#define HFY_KERNEL_LANCZOS_ 160 /* most steps for a largest eigenvalue */

/* --- bits --- */

#define HFY_KERNEL_DISTANCES_(name, attribute, count)                                                                  \
    HFY_PRIVATE_ attribute void name(const uint64_t *x, size_t words, const uint64_t *rows, size_t n, uint32_t *d)     \
    {                                                                                                                  \
        size_t i, l;                                                                                                   \
        if (words == 1) {                                                                                              \
            for (i = 0; i < n; i++) d[i] = (uint32_t)(count(x[0] ^ rows[i]));                                          \
            return;                                                                                                    \
        }                                                                                                              \
        if (words == 2) {                                                                                              \
            for (i = 0; i < n; i++)                                                                                    \
                d[i] = (uint32_t)(count(x[0] ^ rows[2 * i])) + (uint32_t)(count(x[1] ^ rows[2 * i + 1]));              \
            return;                                                                                                    \
        }                                                                                                              \
        for (i = 0; i < n; i++, rows += words) {                                                                       \
            uint32_t sum = 0;                                                                                          \
            for (l = 0; l < words; l++) sum += (uint32_t)(count(x[l] ^ rows[l]));                                      \
            d[i] = sum;                                                                                                \
        }                                                                                                              \
    }

/* Set bits, by halves. */
HFY_PRIVATE_ uint32_t hfy_kernel_ones_(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    return (uint32_t)(x * UINT64_C(0x0101010101010101) >> 56);
}
HFY_KERNEL_DISTANCES_(hfy_kernel_distances_plain_, HFY_SIMD_NOINLINE_, hfy_kernel_ones_)
#if defined(__GNUC__) && (defined(HFY_SIMD_X86_) || defined(HFY_SIMD_NEON_))
#define HFY_KERNEL_BUILTIN_
#ifdef HFY_SIMD_X86_
HFY_KERNEL_DISTANCES_(hfy_kernel_distances_fast_, __attribute__((target("popcnt"), noinline)), __builtin_popcountll)
#else
HFY_KERNEL_DISTANCES_(hfy_kernel_distances_fast_, HFY_SIMD_NOINLINE_, __builtin_popcountll)
#endif
#endif
#undef HFY_KERNEL_DISTANCES_

HFY_PRIVATE_ int hfy_kernel_bit_(const uint64_t *x, size_t j) { return (int)(x[j / 64] >> (j % 64) & 1); }

HFY_API size_t hfy_kernel_words(size_t dim) { return dim / 64 + (dim % 64 != 0); }

/* Are the bits from dim on 0 in all rows? */
HFY_PRIVATE_ hfy_status hfy_kernel_check_bits_(const uint64_t *x, size_t rows, size_t dim, const char *name,
                                               hfy_work *w)
{
    size_t words = hfy_kernel_words(dim), i;
    if (!dim) return hfy_base_fail_(w, HFY_ERR_ARG, "dim is 0; it should be at least 1");
    if (dim > UINT32_MAX || !hfy_base_fits_(rows, words, sizeof *x) || !hfy_base_fits_(rows, dim, sizeof(double)))
        return hfy_base_fail_(w, HFY_ERR_ARG, "%z states of dim %z: an array of that size cannot exist", rows, dim);
    if (rows && !x) return hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", name);
    for (i = 0; dim % 64 && i < rows; i++)
        if (x[i * words + words - 1] >> (dim % 64))
            return hfy_base_fail_(w, HFY_ERR_ARG, "%s has a bit set beyond dim, %z, in row %z", name, dim, i);
    return HFY_OK;
}

HFY_API hfy_status hfy_kernel_pack(const hfy_real *x, size_t rows, size_t dim, uint64_t *packed, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_status status = HFY_OK;
    size_t words = hfy_kernel_words(dim), i, j;
    if (!dim)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "dim is 0; it should be at least 1");
    else if (dim > UINT32_MAX || !hfy_base_fits_(rows, dim, sizeof(double)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%z states of dim %z: an array of that size cannot exist", rows, dim);
    else if (rows && (!x || !packed))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !x ? "x" : "packed");
    for (i = 0; !status && i < rows; i++)
        for (j = 0; !status && j < dim; j++) {
            double v = (double)x[i * dim + j];
            if (!(fabs(v) >= 1 && fabs(v) <= 1))
                status = hfy_base_fail_(w, HFY_ERR_ARG, "x[%z][%z] is %g; it should be +1 or -1", i, j, v);
        }
    if (!status) {
        if (rows) memset(packed, 0, rows * words * sizeof *packed);
        for (i = 0; i < rows; i++)
            for (j = 0; j < dim; j++)
                if (x[i * dim + j] > 0) packed[i * words + j / 64] |= UINT64_C(1) << (j % 64);
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_kernel_unpack(const uint64_t *packed, size_t rows, size_t dim, hfy_real *x, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_status status = hfy_kernel_check_bits_(packed, rows, dim, "packed", w);
    size_t words = hfy_kernel_words(dim), i, j;
    if (!status && rows && !x) status = hfy_base_fail_(w, HFY_ERR_ARG, "x is NULL");
    for (i = 0; !status && i < rows; i++)
        for (j = 0; j < dim; j++) x[i * dim + j] = hfy_kernel_bit_(packed + i * words, j) ? 1 : -1;
    return hfy_base_close_(w, &local, status);
}

HFY_API double hfy_kernel_gamma(double flipped)
{
    if (!(flipped > 0 && flipped < 0.5)) return HUGE_VAL - HUGE_VAL;
    return log((1 - flipped) / flipped) / 8;
}

/* --- a kernel with its defaults filled in --- */

typedef struct hfy_kernel_view_ {
    hfy_kernel k;
    const hfy_simd_ *simd;
    size_t words;
    double *table; /* dim + 1: K of states that differ in d bits */
} hfy_kernel_view_;

/* K as a function of x.y (RBF: of |x-y|^2). */
HFY_PRIVATE_ double hfy_kernel_of_(const hfy_kernel *k, double dot, double square)
{
    double base, y = 1;
    unsigned n;
    if (k->kind == HFY_KERNEL_RBF) return exp(-k->gamma * square);
    if (k->kind == HFY_KERNEL_LINEAR) return k->gamma * dot;
    for (base = k->gamma * dot + k->offset, n = (unsigned)k->degree; n; n >>= 1, base *= base)
        if (n & 1) y *= base;
    return y;
}

enum { HFY_KERNEL_NO_ALPHA_, HFY_KERNEL_ALPHA_, HFY_KERNEL_ANY_ALPHA_ };

/* alpha: which is needed. */
HFY_PRIVATE_ hfy_status hfy_kernel_open_(const hfy_kernel *kernel, int alpha, hfy_kernel_view_ *v, hfy_work *w)
{
    hfy_kernel *k = &v->k;
    hfy_status status;
    memset(v, 0, sizeof *v);
    v->simd = hfy_simd_choose_(w);
    if (!v->simd) return HFY_ERR_UNSUPPORTED;
    if (!kernel) return hfy_base_fail_(w, HFY_ERR_ARG, "kernel is NULL");
    *k = *kernel;
    if (!k->count) return hfy_base_fail_(w, HFY_ERR_ARG, "count is 0; it should be at least 1");
    if ((unsigned)k->kind > HFY_KERNEL_LINEAR)
        return hfy_base_fail_(w, HFY_ERR_ARG, "kind is %z; it should be one of hfy_kernel_kind", (size_t)k->kind);
    if ((unsigned)k->order > HFY_BINARY_RANDOM)
        return hfy_base_fail_(w, HFY_ERR_ARG, "order is %z; it should be one of hfy_binary_order", (size_t)k->order);
    if (!hfy_base_fits_(k->count, k->count, sizeof(double)))
        return hfy_base_fail_(w, HFY_ERR_ARG, "count is %z: count x count doubles cannot exist", k->count);
    status = hfy_kernel_check_bits_(k->patterns, k->count, k->dim, "patterns", w);
    if (status) return status;
    if (!(k->gamma > 0) && !(k->gamma < 0) && !hfy_base_is_nan_(k->gamma))
        k->gamma = k->kind == HFY_KERNEL_RBF ? hfy_kernel_gamma(0.2) : 1 / (double)k->dim;
    if (!(k->gamma > 0) || !hfy_base_is_finite_(k->gamma))
        return hfy_base_fail_(w, HFY_ERR_ARG, "gamma is %g; it should be positive and finite, or 0", k->gamma);
    if (k->kind == HFY_KERNEL_POLYNOMIAL) {
        if (!(k->degree > 0) && !(k->degree < 0) && !hfy_base_is_nan_(k->degree)) k->degree = 3;
        if (!(k->degree >= 1 && k->degree <= 64 && k->degree <= floor(k->degree)))
            return hfy_base_fail_(w, HFY_ERR_ARG, "degree is %g; it should be a whole number from 1 to 64", k->degree);
        if (!(k->offset >= 0) || !hfy_base_is_finite_(k->offset))
            return hfy_base_fail_(w, HFY_ERR_ARG, "offset is %g; it should be finite and not negative", k->offset);
    }
    if (!hfy_base_is_finite_(hfy_kernel_of_(k, (double)k->dim, 0)) ||
        !hfy_base_is_finite_(hfy_kernel_of_(k, -(double)k->dim, 4 * (double)k->dim)))
        return hfy_base_fail_(w, HFY_ERR_ARG, "gamma %g and offset %g: the kernel leaves the range of double", k->gamma,
                              k->offset);
    if (!k->max_steps) k->max_steps = 30;
    if (k->nearest > k->count) k->nearest = 0;
    if (alpha == HFY_KERNEL_ALPHA_ && !k->alpha)
        return hfy_base_fail_(w, HFY_ERR_ARG, "kernel->alpha is NULL; hfy_kernel_train makes it");
    if (alpha == HFY_KERNEL_ANY_ALPHA_ && !k->alpha && !k->alpha_float && !k->alpha_bytes)
        return hfy_base_fail_(w, HFY_ERR_ARG, "kernel->alpha is NULL, and so are alpha_float and alpha_bytes");
    v->words = hfy_kernel_words(k->dim);
    return HFY_OK;
}

HFY_PRIVATE_ void hfy_kernel_plan_table_(hfy_base_arena_ *arena, hfy_kernel_view_ *v)
{
    v->table = (double *)hfy_base_take_(arena, hfy_base_plus_(v->k.dim, 1), sizeof(double));
}

HFY_PRIVATE_ void hfy_kernel_fill_table_(hfy_kernel_view_ *v)
{
    size_t d;
    for (d = 0; d <= v->k.dim; d++)
        v->table[d] = hfy_kernel_of_(&v->k, (double)v->k.dim - 2 * (double)d, 4 * (double)d);
}

HFY_PRIVATE_ void hfy_kernel_distances_(const hfy_kernel_view_ *v, const uint64_t *x, size_t n, uint32_t *d)
{
#ifdef HFY_KERNEL_BUILTIN_
    if (v->simd->isa != HFY_ISA_SCALAR && v->simd->isa != HFY_ISA_SSE2) { /* AVX2 never comes without popcnt */
        hfy_kernel_distances_fast_(x, v->words, v->k.patterns, n, d);
        return;
    }
#endif
    hfy_kernel_distances_plain_(x, v->words, v->k.patterns, n, d);
}

/* --- Gram matrix --- */

typedef struct hfy_kernel_grams_ {
    const hfy_kernel_view_ *v;
    double *gram;
    uint32_t *d; /* tasks x count */
    size_t tasks;
} hfy_kernel_grams_;

HFY_PRIVATE_ void hfy_kernel_gram_task_(void *context, size_t task)
{
    const hfy_kernel_grams_ *g = (const hfy_kernel_grams_ *)context;
    size_t P = g->v->k.count, i, j;
    uint32_t *d = g->d + task * P;
    for (i = task; i < P; i += g->tasks) {
        hfy_kernel_distances_(g->v, g->v->k.patterns + i * g->v->words, i + 1, d);
        for (j = 0; j <= i; j++) g->gram[i * P + j] = g->v->table[d[j]];
    }
}

HFY_PRIVATE_ void hfy_kernel_plan_gram_(hfy_base_arena_ *arena, hfy_kernel_grams_ *g, const hfy_kernel_view_ *v)
{
    g->v = v;
    g->tasks = hfy_base_min_(hfy_base_workers_(), v->k.count);
    g->d = (uint32_t *)hfy_base_take_(arena, hfy_base_times_(g->tasks, v->k.count), sizeof(uint32_t));
}

HFY_PRIVATE_ void hfy_kernel_run_gram_(hfy_kernel_grams_ *g, double *gram)
{
    size_t P = g->v->k.count, i0, j0, i, j;
    g->gram = gram;
    hfy_base_parallel_(g->tasks, hfy_kernel_gram_task_, g);
    for (i0 = 0; i0 < P; i0 += 32) /* the upper triangle, in tiles */
        for (j0 = 0; j0 <= i0; j0 += 32)
            for (i = i0; i < i0 + 32 && i < P; i++)
                for (j = j0; j < j0 + 32 && j < i; j++) gram[j * P + i] = gram[i * P + j];
}

HFY_API hfy_status hfy_kernel_gram(const hfy_kernel *kernel, double *gram, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_kernel_view_ v;
    hfy_kernel_grams_ g;
    hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_NO_ALPHA_, &v, w);
    int pass;
    if (!status && !gram) status = hfy_base_fail_(w, HFY_ERR_ARG, "gram is NULL");
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_kernel_plan_table_(&arena, &v);
        hfy_kernel_plan_gram_(&arena, &g, &v);
    }
    if (!status) {
        hfy_kernel_fill_table_(&v);
        hfy_kernel_run_gram_(&g, gram);
    }
    return hfy_base_close_(w, &local, status);
}

/* --- largest eigenvalues: Lanczos with full orthogonalisation --- */

typedef struct hfy_kernel_lanczos_ {
    double *basis;                 /* LANCZOS x P */
    double *y, *z;                 /* P */
    double *diagonal, *off, *copy; /* 2 LANCZOS, in copy */
    double *gemm;
} hfy_kernel_lanczos_;

HFY_PRIVATE_ void hfy_kernel_plan_lanczos_(hfy_base_arena_ *arena, size_t P, hfy_kernel_lanczos_ *s)
{
    s->basis = (double *)hfy_base_take_(arena, hfy_base_times_(HFY_KERNEL_LANCZOS_, P), sizeof(double));
    s->y = (double *)hfy_base_take_(arena, P, sizeof(double));
    s->z = (double *)hfy_base_take_(arena, P, sizeof(double));
    s->diagonal = (double *)hfy_base_take_(arena, HFY_KERNEL_LANCZOS_, sizeof(double));
    s->off = (double *)hfy_base_take_(arena, HFY_KERNEL_LANCZOS_, sizeof(double));
    s->copy = (double *)hfy_base_take_(arena, 2 * HFY_KERNEL_LANCZOS_, sizeof(double));
    s->gemm = (double *)hfy_base_take_(arena, hfy_linalg_gemm_scratch_(P, P, P, sizeof(double)), sizeof(double));
}

/* The largest eigenvalue of K, or with variance (P) of K diag(variance) K + lambda K. */
HFY_PRIVATE_ double hfy_kernel_largest_(const hfy_simd_ *simd, const double *gram, const double *variance,
                                        double lambda, size_t P, hfy_kernel_lanczos_ *s)
{
    hfy_rng rng = hfy_rng_seed(1);
    double norm = 0, best = 0, last;
    size_t m = hfy_base_min_(P, HFY_KERNEL_LANCZOS_), j, i, r;
    int round;
    for (r = 0; r < P; r++) s->basis[r] = 0.5 + hfy_rng_uniform(&rng);
    for (j = 0; j < m; j++) {
        double *q = s->basis + j * P, *y = s->y;
        norm = sqrt(hfy_linalg_dot_(q, q, P));
        if (j) s->off[j - 1] = norm;
        if (!(norm > 0) || (j && norm <= 1e-14 * fabs(best))) break; /* the space is exhausted */
        for (r = 0; r < P; r++) q[r] /= norm;
        hfy_linalg_dgemv_(simd, P, P, 1, gram, P, 1, q, 1, 0, y, 1, s->gemm);
        if (variance) {
            for (r = 0; r < P; r++) s->z[r] = variance[r] * y[r] + lambda * q[r];
            hfy_linalg_dgemv_(simd, P, P, 1, gram, P, 1, s->z, 1, 0, y, 1, s->gemm);
        }
        s->diagonal[j] = hfy_linalg_dot_(q, y, P);
        for (round = 0; round < 2; round++)
            for (i = 0; i <= j; i++) {
                double c = hfy_linalg_dot_(s->basis + i * P, y, P);
                for (r = 0; r < P; r++) y[r] -= c * s->basis[i * P + r];
            }
        if (j % 8 == 7 || j + 1 == m || !j) {
            hfy_linalg_eigen_ t;
            memset(&t, 0, sizeof t);
            t.n = j + 1;
            t.diagonal = s->copy;
            t.off = s->copy + HFY_KERNEL_LANCZOS_;
            memcpy(t.diagonal, s->diagonal, (j + 1) * sizeof(double));
            memcpy(t.off, s->off, (j + 1) * sizeof(double));
            last = best;
            (void)hfy_linalg_ql_(&t);
            for (best = t.diagonal[0], i = 1; i <= j; i++)
                if (t.diagonal[i] > best) best = t.diagonal[i];
            if (j > 8 && fabs(best - last) <= 4 * DBL_EPSILON * fabs(best)) break;
        }
        if (j + 1 < m) memcpy(s->basis + (j + 1) * P, y, P * sizeof(double));
    }
    if (j < m && j % 8 && j > 1) { /* exhausted between two looks */
        hfy_linalg_eigen_ t;
        memset(&t, 0, sizeof t);
        t.n = j;
        t.diagonal = s->copy;
        t.off = s->copy + HFY_KERNEL_LANCZOS_;
        memcpy(t.diagonal, s->diagonal, j * sizeof(double));
        memcpy(t.off, s->off, j * sizeof(double));
        (void)hfy_linalg_ql_(&t);
        for (i = 0; i < j; i++)
            if (t.diagonal[i] > best) best = t.diagonal[i];
    }
    return best;
}

/* --- training --- */

typedef struct hfy_kernel_fit_ {
    hfy_kernel_view_ view;
    hfy_kernel_training o; /* defaults filled in */
    size_t P, N, tasks, slice;
    double *gram, *l;
    const double *K;
    double *A, *H, *Z, *HZ, *R, *next, *next_h; /* P x N */
    double *row_sum, *row_most;                 /* P */
    double *gemm;
    double momentum;
    hfy_linalg_factor_ factor;
    hfy_kernel_grams_ grams;
    hfy_kernel_lanczos_ lanczos;
    hfy_linalg_eigen_ eigen;
    double *newton; /* tasks x newton_size */
    size_t newton_size;
    hfy_status *newton_status; /* N */
    size_t *newton_steps;
    void (*each)(struct hfy_kernel_fit_ *fit, size_t row);
} hfy_kernel_fit_;

HFY_PRIVATE_ double hfy_kernel_sigmoid_(double h)
{
    double e = exp(-fabs(h));
    return h >= 0 ? 1 / (1 + e) : e / (1 + e);
}

HFY_PRIVATE_ double hfy_kernel_softplus_(double z) { return (z > 0 ? z : 0) + log1p(exp(-fabs(z))); }

HFY_PRIVATE_ double hfy_kernel_residual_(int bit, double h, double scaled)
{
    return bit ? scaled - hfy_kernel_sigmoid_(-h) : scaled + hfy_kernel_sigmoid_(h);
}

/* Rows of arrays, shared out. */
HFY_PRIVATE_ void hfy_kernel_rows_task_(void *context, size_t task)
{
    hfy_kernel_fit_ *f = (hfy_kernel_fit_ *)context;
    size_t i, first = f->P * task / f->tasks, last = f->P * (task + 1) / f->tasks;
    for (i = first; i < last; i++) f->each(f, i);
}

HFY_PRIVATE_ void hfy_kernel_rows_(hfy_kernel_fit_ *f, void (*each)(hfy_kernel_fit_ *fit, size_t row))
{
    f->each = each;
    hfy_base_parallel_(f->tasks, hfy_kernel_rows_task_, f);
}

HFY_PRIVATE_ double hfy_kernel_sum_rows_(const hfy_kernel_fit_ *f)
{
    double sum = 0;
    size_t i;
    for (i = 0; i < f->P; i++) sum += f->row_sum[i];
    return sum;
}

/* The largest of the rows; NaN or infinity if anything in them was. */
HFY_PRIVATE_ double hfy_kernel_most_(const hfy_kernel_fit_ *f) { return hfy_linalg_largest_(f->row_most, f->P); }

/* R = residual at Z, next the same; row_most. */
HFY_PRIVATE_ void hfy_kernel_each_residual_(hfy_kernel_fit_ *f, size_t row)
{
    const uint64_t *x = f->view.k.patterns + row * f->view.words;
    const double *z = f->Z + row * f->N, *h = f->HZ + row * f->N;
    double *r = f->R + row * f->N, *copy = f->next + row * f->N, most = 0, sum = 0;
    size_t j;
    for (j = 0; j < f->N; j++) {
        double v = hfy_kernel_residual_(hfy_kernel_bit_(x, j), h[j], f->o.lambda * z[j]);
        r[j] = copy[j] = v;
        sum += v;
        if (fabs(v) > most) most = fabs(v);
    }
    f->row_most[row] = hfy_base_is_finite_(sum) ? most : sum;
}

/* The same at A and H, into R alone. */
HFY_PRIVATE_ void hfy_kernel_each_end_(hfy_kernel_fit_ *f, size_t row)
{
    const uint64_t *x = f->view.k.patterns + row * f->view.words;
    const double *a = f->A + row * f->N, *h = f->H + row * f->N;
    double most = 0, sum = 0, *r = f->R + row * f->N;
    size_t j;
    for (j = 0; j < f->N; j++) {
        double v = hfy_kernel_residual_(hfy_kernel_bit_(x, j), h[j], f->o.lambda * a[j]);
        r[j] = v;
        sum += v;
        if (fabs(v) > most) most = fabs(v);
    }
    f->row_most[row] = hfy_base_is_finite_(sum) ? most : sum;
}

/* next = Z - B^-1 R. */
HFY_PRIVATE_ void hfy_kernel_each_step_(hfy_kernel_fit_ *f, size_t row)
{
    const double *z = f->Z + row * f->N;
    double *next = f->next + row * f->N;
    size_t j;
    for (j = 0; j < f->N; j++) next[j] = z[j] - next[j];
}

/* row_sum = R.(H_new - H). */
HFY_PRIVATE_ void hfy_kernel_each_turn_(hfy_kernel_fit_ *f, size_t row)
{
    const double *r = f->R + row * f->N, *h = f->H + row * f->N, *g = f->next_h + row * f->N;
    double sum = 0;
    size_t j;
    for (j = 0; j < f->N; j++) sum += r[j] * (g[j] - h[j]);
    f->row_sum[row] = sum;
}

/* Z, HZ = the new point and a bit further along. */
HFY_PRIVATE_ void hfy_kernel_each_move_(hfy_kernel_fit_ *f, size_t row)
{
    size_t from = row * f->N, j;
    for (j = from; j < from + f->N; j++) {
        f->Z[j] = f->next[j] + f->momentum * (f->next[j] - f->A[j]);
        f->HZ[j] = f->next_h[j] + f->momentum * (f->next_h[j] - f->H[j]);
    }
}

/* A <- A - eta (K R), K R in next. */
HFY_PRIVATE_ void hfy_kernel_each_descend_(hfy_kernel_fit_ *f, size_t row)
{
    size_t from = row * f->N, j;
    for (j = from; j < from + f->N; j++) f->A[j] -= f->o.eta * f->next[j];
}

/* row_sum = loss of this pattern; R = xi q with q = sigmoid(-xi h). */
HFY_PRIVATE_ void hfy_kernel_each_loss_(hfy_kernel_fit_ *f, size_t row)
{
    const uint64_t *x = f->view.k.patterns + row * f->view.words;
    const double *a = f->A + row * f->N, *h = f->H + row * f->N;
    double sum = 0, *u = f->R + row * f->N;
    size_t j;
    for (j = 0; j < f->N; j++) {
        double s = hfy_kernel_bit_(x, j) ? 1 : -1;
        sum += hfy_kernel_softplus_(-s * h[j]) + 0.5 * f->o.lambda * a[j] * h[j];
        u[j] = s * hfy_kernel_sigmoid_(-s * h[j]);
    }
    f->row_sum[row] = sum;
}

/* row_sum = this pattern's part of the dual: entropy - U.KU / (2 lambda), K U in next. */
HFY_PRIVATE_ void hfy_kernel_each_dual_(hfy_kernel_fit_ *f, size_t row)
{
    const double *u = f->R + row * f->N, *ku = f->next + row * f->N;
    double sum = 0;
    size_t j;
    for (j = 0; j < f->N; j++) {
        double q = fabs(u[j]);
        sum -= (q > 0 ? q * log(q) : 0) + (q < 1 ? (1 - q) * log1p(-q) : 0) + u[j] * ku[j] / (2 * f->o.lambda);
    }
    f->row_sum[row] = sum;
}

HFY_PRIVATE_ void hfy_kernel_times_gram_(hfy_kernel_fit_ *f, const double *x, double *y)
{
    hfy_linalg_product_run_(f->view.simd, f->P, f->N, f->P, f->K, x, y, f->gemm, f->slice);
}

/* --- Newton, one neuron at a time --- */

/* L(a) of one neuron from h = K a. */
HFY_PRIVATE_ double hfy_kernel_loss_(const hfy_kernel_view_ *v, size_t neuron, const double *a, const double *h,
                                     double lambda)
{
    double sum = 0;
    size_t i;
    for (i = 0; i < v->k.count; i++) {
        double s = hfy_kernel_bit_(v->k.patterns + i * v->words, neuron) ? 1 : -1;
        sum += hfy_kernel_softplus_(-s * h[i]) + 0.5 * lambda * a[i] * h[i];
    }
    return sum;
}

/* d = (r - S M^-1 S K r) / lambda, M = lambda + S K S, S = sqrt(D): the step (D K + lambda)^-1 r, symmetrically. */
HFY_PRIVATE_ hfy_status hfy_kernel_newton_(hfy_kernel_fit_ *f, size_t neuron, double *s, double *gemm, size_t *steps)
{
    const size_t P = f->P;
    const double lambda = f->o.lambda;
    double *m = s, *a = m + P * P, *h = a + P, *r = h + P, *d = r + P, *root = d + P, *trial = root + P,
           *kd = trial + P;
    const hfy_simd_ *simd = f->view.simd;
    double loss;
    size_t i, j, t;
    for (i = 0; i < P; i++) a[i] = h[i] = 0;
    loss = hfy_kernel_loss_(&f->view, neuron, a, h, lambda);
    for (t = 0;; t++) {
        double most = 0, step = 1, now;
        for (i = 0; i < P; i++) {
            double e = exp(-fabs(h[i]));
            r[i] = hfy_kernel_residual_(hfy_kernel_bit_(f->view.k.patterns + i * f->view.words, neuron), h[i],
                                        lambda * a[i]);
            root[i] = sqrt(e) / (1 + e);
            if (fabs(r[i]) > most) most = fabs(r[i]);
        }
        *steps = t;
        if (most < f->o.tol) break;
        if (t == f->o.max_iterations) return HFY_ERR_CONVERGENCE;
        for (i = 0; i < P; i++)
            for (j = 0; j <= i; j++) m[i * P + j] = root[i] * f->K[i * P + j] * root[j] + (i == j ? lambda : 0);
        if (hfy_linalg_cholesky_(m, P)) return HFY_ERR_SINGULAR;
        hfy_linalg_dgemv_(simd, P, P, 1, f->K, P, 1, r, 1, 0, d, 1, gemm);
        for (i = 0; i < P; i++) d[i] *= root[i];
        hfy_linalg_cholesky_solve_(m, P, d);
        for (i = 0; i < P; i++) d[i] = (r[i] - root[i] * d[i]) / lambda;
        hfy_linalg_dgemv_(simd, P, P, 1, f->K, P, 1, d, 1, 0, kd, 1, gemm);
        for (;;) { /* half the step until the loss does not rise but for rounding */
            for (i = 0; i < P; i++) trial[i] = a[i] - step * d[i], root[i] = h[i] - step * kd[i];
            now = hfy_kernel_loss_(&f->view, neuron, trial, root, lambda);
            if (now <= loss + 1e-12 * fabs(loss) || step < 1e-6) break;
            step /= 2;
        }
        memcpy(a, trial, P * sizeof(double));
        hfy_linalg_dgemv_(simd, P, P, 1, f->K, P, 1, a, 1, 0, h, 1, gemm);
        loss = now;
    }
    for (i = 0; i < P; i++) f->A[i * f->N + neuron] = a[i];
    return HFY_OK;
}

HFY_PRIVATE_ void hfy_kernel_newton_task_(void *context, size_t task)
{
    hfy_kernel_fit_ *f = (hfy_kernel_fit_ *)context;
    size_t j;
    for (j = task; j < f->N; j += f->tasks)
        f->newton_status[j] = hfy_kernel_newton_(f, j, f->newton + task * f->newton_size, f->gemm + task * f->slice,
                                                 f->newton_steps + j);
}

/* --- the trainers: each leaves A --- */

HFY_PRIVATE_ int hfy_kernel_report_(const hfy_kernel_fit_ *f, size_t iteration, double residual, double residual_0)
{
    hfy_kernel_progress now;
    if (!f->o.progress) return 0;
    now.iteration = iteration;
    now.residual = residual;
    now.residual_0 = residual_0;
    return f->o.progress(f->o.context, &now);
}

HFY_PRIVATE_ hfy_status hfy_kernel_left_range_(size_t iteration, hfy_work *w)
{
    return hfy_base_fail_(w, HFY_ERR_NONFINITE, "training left the range of double at iteration %z", iteration);
}

/* A state of the trainers: what it was made with, then A, H, Z, HZ. */
HFY_PRIVATE_ void hfy_kernel_save_(const hfy_kernel_fit_ *f, size_t iteration, double t)
{
    size_t n = f->P * f->N;
    double *to = f->o.state;
    if (!to) return;
    to[0] = 4711 + (double)f->o.trainer, to[1] = (double)iteration, to[2] = t, to[3] = (double)f->N;
    to[4] = (double)f->P, to[5] = f->o.lambda, to[6] = f->view.k.gamma, to[7] = f->o.eta;
    memcpy(to + 8, f->A, n * sizeof(double));
    memcpy(to + 8 + n, f->H, n * sizeof(double));
    if (f->o.trainer != HFY_KERNEL_EXACT) {
        memset(to + 8 + 2 * n, 0, 2 * n * sizeof(double));
        return;
    }
    memcpy(to + 8 + 2 * n, f->Z, n * sizeof(double));
    memcpy(to + 8 + 3 * n, f->HZ, n * sizeof(double));
}

HFY_PRIVATE_ void hfy_kernel_load_(hfy_kernel_fit_ *f, size_t *iteration, double *t)
{
    size_t n = f->P * f->N;
    const double *from = f->o.state;
    if (!f->o.resume) {
        memset(f->A, 0, n * sizeof(double));
        memset(f->H, 0, n * sizeof(double));
        if (f->o.trainer == HFY_KERNEL_EXACT) {
            memset(f->Z, 0, n * sizeof(double));
            memset(f->HZ, 0, n * sizeof(double));
        }
        *iteration = 0, *t = 1;
        return;
    }
    *iteration = (size_t)from[1], *t = from[2];
    memcpy(f->A, from + 8, n * sizeof(double));
    memcpy(f->H, from + 8 + n, n * sizeof(double));
    if (f->o.trainer != HFY_KERNEL_EXACT) return;
    memcpy(f->Z, from + 8 + 2 * n, n * sizeof(double));
    memcpy(f->HZ, from + 8 + 3 * n, n * sizeof(double));
}

HFY_PRIVATE_ hfy_status hfy_kernel_exact_(hfy_kernel_fit_ *f, hfy_kernel_result *result, hfy_work *w)
{
    double t, first = 0;
    size_t it, i, j, start;
    memcpy(f->l, f->K, f->P * f->P * sizeof(double));
    for (i = 0; i < f->P; i++) {
        for (j = 0; j <= i; j++) f->l[i * f->P + j] *= 0.25;
        f->l[i * f->P + i] += f->o.lambda;
    }
    if (hfy_linalg_factor_run_(&f->factor))
        return hfy_base_fail_(w, HFY_ERR_SINGULAR,
                              "K/4 + lambda is not positive definite in rounding: lambda %g is too small", f->o.lambda);
    hfy_kernel_load_(f, &it, &t);
    for (start = it;; it++) {
        double at_z, t_new = 1, *hold;
        int done = 0;
        if (it - start >= f->o.max_iterations) break;
        hfy_kernel_rows_(f, hfy_kernel_each_residual_);
        at_z = hfy_kernel_most_(f);
        if (!hfy_base_is_finite_(at_z)) return hfy_kernel_left_range_(it, w);
        if (it == start) first = at_z;
        hfy_linalg_factor_solve_(&f->factor, f->next, f->N);
        hfy_kernel_rows_(f, hfy_kernel_each_step_);
        hfy_kernel_times_gram_(f, f->next, f->next_h);
        hfy_kernel_rows_(f, hfy_kernel_each_turn_);
        f->momentum = 0;
        if (!(hfy_kernel_sum_rows_(f) > 0)) {
            t_new = (1 + sqrt(1 + 4 * t * t)) / 2;
            f->momentum = (t - 1) / t_new;
        }
        t = t_new;
        hfy_kernel_rows_(f, hfy_kernel_each_move_);
        hold = f->A, f->A = f->next, f->next = hold;
        hold = f->H, f->H = f->next_h, f->next_h = hold;
        if (at_z < 8 * f->o.tol) { /* near enough to look closely */
            hfy_kernel_rows_(f, hfy_kernel_each_end_);
            done = hfy_kernel_most_(f) < f->o.tol;
        }
        if (hfy_kernel_report_(f, it + 1, at_z, first)) result->stopped = 1;
        if (done || result->stopped) {
            it++;
            break;
        }
    }
    result->iterations = it;
    hfy_kernel_save_(f, it, t);
    return HFY_OK;
}

HFY_PRIVATE_ hfy_status hfy_kernel_paper_(hfy_kernel_fit_ *f, hfy_kernel_result *result, hfy_work *w)
{
    double t, first = 0, most;
    size_t it, start;
    hfy_kernel_load_(f, &it, &t);
    for (start = it;;) {
        if (it - start >= f->o.max_iterations) break;
        hfy_kernel_rows_(f, hfy_kernel_each_end_);
        most = hfy_kernel_most_(f);
        if (!hfy_base_is_finite_(most)) return hfy_kernel_left_range_(it, w);
        if (it == start) first = most;
        if (f->o.tol > 0 && most < f->o.tol) break;
        hfy_kernel_times_gram_(f, f->R, f->next);
        hfy_kernel_rows_(f, hfy_kernel_each_descend_);
        hfy_kernel_times_gram_(f, f->A, f->H);
        it++;
        if (hfy_kernel_report_(f, it, most, first)) {
            result->stopped = 1;
            break;
        }
    }
    result->iterations = it;
    hfy_kernel_save_(f, it, t);
    return HFY_OK;
}

/* RIDGE, PROJECTION and RAW: linear in the patterns. */
HFY_PRIVATE_ hfy_status hfy_kernel_linear_(hfy_kernel_fit_ *f, hfy_work *w)
{
    const size_t P = f->P, N = f->N;
    size_t i, j, kept = 0;
    for (i = 0; i < P; i++)
        for (j = 0; j < N; j++) f->A[i * N + j] = hfy_kernel_bit_(f->view.k.patterns + i * f->view.words, j) ? 1 : -1;
    if (f->o.trainer == HFY_KERNEL_RAW) return HFY_OK;
    memcpy(f->l, f->K, P * P * sizeof(double));
    if (f->o.trainer == HFY_KERNEL_RIDGE) {
        for (i = 0; i < P; i++) f->l[i * P + i] += f->o.lambda;
        if (hfy_linalg_factor_run_(&f->factor))
            return hfy_base_fail_(w, HFY_ERR_SINGULAR,
                                  "K + lambda is not positive definite in rounding: lambda %g is too small",
                                  f->o.lambda);
        hfy_linalg_factor_solve_(&f->factor, f->A, N);
        return HFY_OK;
    }
    {
        double *values = f->row_sum, *vectors = f->newton;
        hfy_status status = hfy_linalg_eigen_run_(&f->eigen, f->l, values, vectors);
        if (status) return hfy_base_fail_(w, status, "QL did not converge on the Gram matrix");
        while (kept < P && values[kept] > 4 * (double)P * DBL_EPSILON * values[0]) kept++;
        hfy_linalg_dgemm_(f->view.simd, kept, N, P, 1, vectors, P, 1, f->A, N, 1, 0, f->next, N, 1, f->gemm);
        for (i = 0; i < kept; i++)
            for (j = 0; j < N; j++) f->next[i * N + j] /= values[i];
        memset(f->A, 0, P * N * sizeof(double));
        hfy_linalg_dgemm_(f->view.simd, P, N, kept, 1, vectors, 1, P, f->next, N, 1, 0, f->A, N, 1, f->gemm);
    }
    return HFY_OK;
}

HFY_API size_t hfy_kernel_state_size(size_t dim, size_t count)
{
    size_t n = hfy_base_plus_(hfy_base_times_(hfy_base_times_(dim, count), 4), 8);
    return !dim || !count || !hfy_base_fits_(n, 1, sizeof(double)) ? SIZE_MAX : n;
}

/* Fills in defaults and checks them. */
HFY_PRIVATE_ hfy_status hfy_kernel_check_training_(hfy_kernel_fit_ *f, const hfy_kernel_training *training, hfy_work *w)
{
    hfy_kernel_training *o = &f->o;
    if (training) *o = *training;
    if ((unsigned)o->trainer > HFY_KERNEL_RAW)
        return hfy_base_fail_(w, HFY_ERR_ARG, "trainer is %z; it should be one of hfy_kernel_trainer",
                              (size_t)o->trainer);
    if (!(o->lambda >= 0) || !hfy_base_is_finite_(o->lambda))
        return hfy_base_fail_(w, HFY_ERR_ARG, "lambda is %g; it should be positive and finite, or 0 for 0.01",
                              o->lambda);
    if (!(o->lambda > 0)) o->lambda = 0.01;
    if (o->unpenalised) {
        if (o->trainer != HFY_KERNEL_PAPER)
            return hfy_base_fail_(w, HFY_ERR_ARG, "unpenalised is for trainer PAPER: no other has a lambda of 0");
        o->lambda = 0;
    }
    if (!(o->eta >= 0) || !hfy_base_is_finite_(o->eta))
        return hfy_base_fail_(w, HFY_ERR_ARG, "eta is %g; it should be positive and finite, or 0 for 0.1", o->eta);
    if (!(o->eta > 0)) o->eta = 0.1;
    if (!(o->tol >= 0) || !hfy_base_is_finite_(o->tol))
        return hfy_base_fail_(w, HFY_ERR_ARG, "tol is %g; it should be positive and finite, or 0", o->tol);
    if (!(o->tol > 0) && o->trainer != HFY_KERNEL_PAPER) o->tol = 1e-8;
    if (!o->max_iterations)
        o->max_iterations = o->trainer == HFY_KERNEL_PAPER ? 200 : o->trainer == HFY_KERNEL_NEWTON ? 100 : 2000;
    if (o->trainer > HFY_KERNEL_PAPER) {
        if (o->resume || o->state)
            return hfy_base_fail_(w, HFY_ERR_ARG, "state and resume are for trainers EXACT and PAPER");
    } else if (o->resume) {
        const double *s = o->state;
        if (!s) return hfy_base_fail_(w, HFY_ERR_ARG, "resume is set, but state is NULL");
        if (fabs(s[0] - 4711 - (double)o->trainer) > 0 || fabs(s[3] - (double)f->N) > 0 ||
            fabs(s[4] - (double)f->P) > 0 || fabs(s[5] - o->lambda) > 0 || fabs(s[6] - f->view.k.gamma) > 0 ||
            (o->trainer == HFY_KERNEL_PAPER && fabs(s[7] - o->eta) > 0) || hfy_base_is_nan_(s[0] + s[3] + s[4]))
            return hfy_base_fail_(w, HFY_ERR_ARG,
                                  "state was not left by this training (trainer, sizes, lambda, gamma, eta)");
    }
    if (o->gram && !hfy_base_is_finite_(hfy_linalg_largest_(o->gram, f->P * f->P)))
        return hfy_base_fail_(w, HFY_ERR_ARG, "gram holds NaN or infinity");
    return HFY_OK;
}

HFY_PRIVATE_ void hfy_kernel_plan_training_(hfy_base_arena_ *arena, hfy_kernel_fit_ *f)
{
    const size_t P = f->P, square = hfy_base_times_(P, P), n = hfy_base_times_(P, f->N), real = sizeof(double);
    const size_t most = P > f->N ? P : f->N;
    const hfy_kernel_trainer trainer = f->o.trainer;
    hfy_kernel_plan_table_(arena, &f->view);
    hfy_kernel_plan_gram_(arena, &f->grams, &f->view);
    hfy_kernel_plan_lanczos_(arena, P, &f->lanczos);
    f->tasks = hfy_base_workers_();
    f->slice = hfy_linalg_gemm_scratch_(P, most, P, real);
    f->gemm = (double *)hfy_base_take_(arena, hfy_base_times_(f->tasks, f->slice), real);
    f->row_sum = (double *)hfy_base_take_(arena, P, real);
    f->row_most = (double *)hfy_base_take_(arena, P, real);
    f->gram = (double *)hfy_base_take_(arena, f->o.gram ? 0 : square, real);
    f->A = (double *)hfy_base_take_(arena, n, real);
    f->H = (double *)hfy_base_take_(arena, n, real);
    f->R = (double *)hfy_base_take_(arena, n, real);
    f->next = (double *)hfy_base_take_(arena, n, real);
    if (trainer == HFY_KERNEL_EXACT) {
        f->Z = (double *)hfy_base_take_(arena, n, real);
        f->HZ = (double *)hfy_base_take_(arena, n, real);
        f->next_h = (double *)hfy_base_take_(arena, n, real);
    }
    if (trainer == HFY_KERNEL_EXACT || trainer == HFY_KERNEL_RIDGE || trainer == HFY_KERNEL_PROJECTION)
        f->l = (double *)hfy_base_take_(arena, square, real);
    if (trainer == HFY_KERNEL_EXACT || trainer == HFY_KERNEL_RIDGE) {
        hfy_linalg_factor_plan_(arena, P, f->N, &f->factor);
        f->factor.l = f->l;
        f->factor.simd = f->view.simd;
    }
    if (trainer == HFY_KERNEL_PROJECTION) {
        f->newton = (double *)hfy_base_take_(arena, square, real);
        hfy_linalg_eigen_plan_(arena, P, 1, &f->eigen);
        f->eigen.simd = f->view.simd;
    }
    if (trainer == HFY_KERNEL_NEWTON) {
        f->newton_size = hfy_base_plus_(square, hfy_base_times_(P, 8));
        f->newton = (double *)hfy_base_take_(arena, hfy_base_times_(f->tasks, f->newton_size), real);
        f->newton_status = (hfy_status *)hfy_base_take_(arena, f->N, sizeof(hfy_status));
        f->newton_steps = (size_t *)hfy_base_take_(arena, f->N, sizeof(size_t));
    }
}

HFY_API hfy_status hfy_kernel_train(const hfy_kernel *kernel, const hfy_kernel_training *training, double *alpha,
                                    hfy_kernel_result *result, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_kernel_fit_ fit, *f = &fit;
    hfy_kernel_result out;
    hfy_status status;
    size_t j;
    int pass;
    memset(&out, 0, sizeof out);
    memset(f, 0, sizeof *f);
    status = hfy_kernel_open_(kernel, HFY_KERNEL_NO_ALPHA_, &f->view, w);
    f->P = f->view.k.count, f->N = f->view.k.dim;
    if (!status && !alpha) status = hfy_base_fail_(w, HFY_ERR_ARG, "alpha is NULL");
    if (!status) status = hfy_kernel_check_training_(f, training, w);
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (!status) hfy_kernel_plan_training_(&arena, f);
    }
    if (!status) {
        f->K = f->o.gram;
        if (!f->K) {
            hfy_kernel_fill_table_(&f->view);
            hfy_kernel_run_gram_(&f->grams, f->gram);
            f->K = f->gram;
        }
        out.gram_largest = hfy_kernel_largest_(f->view.simd, f->K, NULL, 0, f->P, &f->lanczos);
        out.stability = f->o.eta * (out.gram_largest * out.gram_largest / 4 + f->o.lambda * out.gram_largest) / 2;
        out.unstable = f->o.trainer == HFY_KERNEL_PAPER && out.stability >= 1;
        switch (f->o.trainer) {
        case HFY_KERNEL_EXACT: status = hfy_kernel_exact_(f, &out, w); break;
        case HFY_KERNEL_PAPER: status = hfy_kernel_paper_(f, &out, w); break;
        case HFY_KERNEL_NEWTON:
            hfy_base_parallel_(f->tasks, hfy_kernel_newton_task_, f);
            for (j = 0; j < f->N; j++) {
                if (f->newton_steps[j] > out.iterations) out.iterations = f->newton_steps[j];
                if (f->newton_status[j] && !status)
                    status = hfy_base_fail_(w, f->newton_status[j], "Newton's method failed for neuron %z", j);
            }
            break;
        default: status = hfy_kernel_linear_(f, w); break;
        }
    }
    if (!status) {
        if (f->o.trainer > HFY_KERNEL_PAPER) hfy_kernel_times_gram_(f, f->A, f->H);
        hfy_kernel_rows_(f, hfy_kernel_each_end_);
        out.residual = hfy_kernel_most_(f);
        hfy_kernel_rows_(f, hfy_kernel_each_loss_);
        out.loss = hfy_kernel_sum_rows_(f);
        if (!hfy_base_is_finite_(out.residual) || !hfy_base_is_finite_(out.loss))
            status = hfy_kernel_left_range_(out.iterations, w);
    }
    if (!status) {
        out.gap = HUGE_VAL;
        if (f->o.lambda > 0) {
            hfy_kernel_times_gram_(f, f->R, f->next);
            hfy_kernel_rows_(f, hfy_kernel_each_dual_);
            out.gap = out.loss - hfy_kernel_sum_rows_(f);
        }
        memcpy(alpha, f->A, f->P * f->N * sizeof(double));
        if (result) *result = out;
        if (f->o.trainer == HFY_KERNEL_EXACT && !out.stopped && !(out.residual < f->o.tol))
            status = hfy_base_fail_(w, HFY_ERR_CONVERGENCE,
                                    "residual is %g after %z iterations; tol is %g (alpha is usable)", out.residual,
                                    out.iterations, f->o.tol);
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_kernel_quantize(const double *alpha, size_t n, signed char *bytes, double *scale, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_status status = HFY_OK;
    double most = 0, step;
    size_t i;
    if (!hfy_base_fits_(n, 1, sizeof(double)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "n is %z: an array of that size cannot exist", n);
    else if (n && (!alpha || !bytes))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !alpha ? "alpha" : "bytes");
    else
        most = hfy_linalg_largest_(alpha, n);
    if (!status && !hfy_base_is_finite_(most))
        status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "alpha holds NaN or infinity");
    if (!status) {
        step = most > 0 ? most / 127 : 1;
        for (i = 0; i < n; i++) bytes[i] = (signed char)floor(alpha[i] / most * 127 + 0.5);
        if (!(most > 0) && n) memset(bytes, 0, n);
        if (scale) *scale = step;
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_kernel_net(const hfy_kernel *kernel, hfy_real *keys, hfy_real *values, hfy_net *net,
                                  hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_kernel_view_ v;
    hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_ALPHA_, &v, w);
    size_t i, j, n = v.k.count * v.k.dim;
    if (!status && (!keys || !values || !net))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !keys ? "keys" : !values ? "values" : "net");
    if (!status && v.k.kind == HFY_KERNEL_POLYNOMIAL)
        status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "a POLYNOMIAL kernel is no separation of a net");
    for (i = 0; !status && i < n; i++)
        if (!(fabs(v.k.alpha[i]) <= HFY_REAL_MAX_))
            status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "alpha[%z] is beyond hfy_real", i);
    if (!status) {
        for (i = 0; i < v.k.count; i++)
            for (j = 0; j < v.k.dim; j++) {
                keys[i * v.k.dim + j] = hfy_kernel_bit_(v.k.patterns + i * v.words, j) ? 1 : -1;
                values[i * v.k.dim + j] = (hfy_real)v.k.alpha[i * v.k.dim + j];
            }
        memset(net, 0, sizeof *net);
        net->dim = v.k.dim;
        net->count = v.k.count;
        net->keys = keys;
        net->values = values;
        net->sim = v.k.kind == HFY_KERNEL_RBF ? HFY_SIM_EUCLIDEAN : HFY_SIM_DOT;
        net->beta = v.k.kind == HFY_KERNEL_RBF ? 2 * v.k.gamma : v.k.gamma;
        net->sep.kind = v.k.kind == HFY_KERNEL_RBF ? HFY_SEP_EXP : HFY_SEP_IDENTITY;
        net->post.kind = HFY_POST_SIGN;
        net->max_steps = v.k.max_steps;
    }
    return hfy_base_close_(w, &local, status);
}

/* --- recall --- */

/* What one worker needs. */
typedef struct hfy_kernel_slot_ {
    uint64_t *now, *before;   /* BATCH x words */
    uint32_t *d;              /* count */
    uint32_t *tally;          /* dim + 1: how many patterns at each distance */
    double *k, *h;            /* BATCH x count, BATCH x dim */
    float *k_float, *h_float; /* the same, for alpha_float */
    double *gemm;
    size_t *order; /* dim */
} hfy_kernel_slot_;

typedef struct hfy_kernel_walk_ {
    hfy_kernel_view_ *view;
    size_t n, tasks;
    const uint64_t *states;
    uint64_t *out;
    hfy_kernel_report report;
    double *turned; /* dim x count: alpha by neurons, for asynchronous orders */
    hfy_kernel_slot_ *slot;
} hfy_kernel_walk_;

HFY_PRIVATE_ void hfy_kernel_plan_walk_(hfy_base_arena_ *arena, hfy_kernel_view_ *v, size_t n, hfy_kernel_walk_ *walk)
{
    const size_t P = v->k.count, N = v->k.dim, batch = HFY_KERNEL_BATCH_;
    const int floats = !v->k.alpha && v->k.alpha_float;
    size_t t;
    walk->view = v;
    walk->n = n;
    walk->tasks = hfy_base_min_(hfy_base_workers_(), n ? n : 1);
    walk->slot = (hfy_kernel_slot_ *)hfy_base_take_(arena, walk->tasks, sizeof *walk->slot);
    walk->turned = (double *)hfy_base_take_(arena, v->k.order != HFY_BINARY_SYNCHRONOUS ? hfy_base_times_(P, N) : 0,
                                            sizeof(double));
    for (t = 0; t < walk->tasks; t++) {
        hfy_kernel_slot_ s;
        memset(&s, 0, sizeof s);
        s.now = (uint64_t *)hfy_base_take_(arena, batch * v->words, sizeof(uint64_t));
        s.before = (uint64_t *)hfy_base_take_(arena, batch * v->words, sizeof(uint64_t));
        s.d = (uint32_t *)hfy_base_take_(arena, P, sizeof(uint32_t));
        s.tally = (uint32_t *)hfy_base_take_(arena, N + 1, sizeof(uint32_t));
        s.k = (double *)hfy_base_take_(arena, hfy_base_times_(batch, P), sizeof(double));
        s.h = (double *)hfy_base_take_(arena, hfy_base_times_(batch, N), sizeof(double));
        s.k_float = (float *)hfy_base_take_(arena, floats ? hfy_base_times_(batch, P) : 0, sizeof(float));
        s.h_float = (float *)hfy_base_take_(arena, floats ? hfy_base_times_(batch, N) : 0, sizeof(float));
        s.gemm = (double *)hfy_base_take_(arena,
                                          hfy_linalg_gemm_scratch_(batch, N, P, sizeof(double)) +
                                              hfy_linalg_gemm_scratch_(batch, N, P, sizeof(float)),
                                          sizeof(double));
        s.order = (size_t *)hfy_base_take_(arena, N, sizeof(size_t));
        if (arena->base) walk->slot[t] = s;
    }
}

/* The `nearest` patterns: all below distance *at, and of those at it the first *ties. */
HFY_PRIVATE_ void hfy_kernel_nearest_(const hfy_kernel_view_ *v, const uint32_t *d, uint32_t *tally, uint32_t *at,
                                      size_t *ties)
{
    size_t i, have = 0;
    memset(tally, 0, (v->k.dim + 1) * sizeof *tally);
    for (i = 0; i < v->k.count; i++) tally[d[i]]++;
    for (i = 0; have + tally[i] < v->k.nearest; i++) have += tally[i];
    *at = (uint32_t)i;
    *ties = v->k.nearest - have;
}

HFY_PRIVATE_ uint32_t hfy_kernel_least_(const hfy_kernel_view_ *v, const uint32_t *d)
{
    uint32_t least = d[0];
    size_t i;
    if (v->k.kind != HFY_KERNEL_RBF) return 0;
    for (i = 1; i < v->k.count; i++) least = d[i] < least ? d[i] : least;
    return least;
}

/* Kernel values of one state from its distances; RBF: relative to distance `least`. Patterns left out get 0. */
HFY_PRIVATE_ void hfy_kernel_values_(const hfy_kernel_view_ *v, const uint32_t *d, uint32_t *tally, uint32_t least,
                                     double *k)
{
    const double *table = v->table;
    size_t i, P = v->k.count, ties;
    uint32_t at;
    if (!v->k.nearest) {
        for (i = 0; i < P; i++) k[i] = table[d[i] - least];
        return;
    }
    hfy_kernel_nearest_(v, d, tally, &at, &ties);
    for (i = 0; i < P; i++) {
        k[i] = 0;
        if (d[i] < at || (d[i] == at && ties)) {
            if (d[i] == at) ties--;
            k[i] = table[d[i] - least];
        }
    }
}

/* h += c alpha_i, whatever alpha there is. */
HFY_PRIVATE_ void hfy_kernel_add_(const hfy_kernel *k, double c, size_t i, double *h)
{
    const size_t N = k->dim;
    size_t j;
    if (k->alpha) {
        const double *x = k->alpha + i * N;
        for (j = 0; j < N; j++) h[j] += c * x[j];
    } else if (k->alpha_float) {
        const float *x = k->alpha_float + i * N;
        for (j = 0; j < N; j++) h[j] += c * (double)x[j];
    } else {
        const signed char *x = k->alpha_bytes + i * N;
        for (j = 0; j < N; j++) h[j] += c * (double)x[j];
    }
}

/* s->h = potentials of m <= BATCH packed states, with whatever alpha there is; relative != 0: RBF values relative to
   the nearest pattern, whose exponents go to shift (or NULL). */
HFY_PRIVATE_ void hfy_kernel_fields_(const hfy_kernel_view_ *v, hfy_kernel_slot_ *s, const uint64_t *states, size_t m,
                                     int relative, double *shift)
{
    const size_t P = v->k.count, N = v->k.dim;
    const int dense = !v->k.nearest && (v->k.alpha || v->k.alpha_float);
    size_t a, i, j;
    for (a = 0; a < m; a++) {
        double *h = s->h + a * N;
        uint32_t least, at = UINT32_MAX;
        size_t ties = 0;
        hfy_kernel_distances_(v, states + a * v->words, P, s->d);
        least = relative ? hfy_kernel_least_(v, s->d) : 0;
        if (shift) shift[a] = -4 * v->k.gamma * least;
        if (dense) {
            hfy_kernel_values_(v, s->d, s->tally, least, s->k + a * P);
            continue;
        }
        if (v->k.nearest) hfy_kernel_nearest_(v, s->d, s->tally, &at, &ties);
        for (j = 0; j < N; j++) h[j] = 0;
        for (i = 0; i < P; i++) {
            if (s->d[i] > at || (s->d[i] == at && !ties)) continue;
            if (s->d[i] == at) ties--;
            hfy_kernel_add_(&v->k, v->table[s->d[i] - least], i, h);
        }
    }
    if (!dense) return;
    if (v->k.alpha) {
        hfy_linalg_dgemm_(v->simd, m, N, P, 1, s->k, P, 1, v->k.alpha, N, 1, 0, s->h, N, 1, s->gemm);
        return;
    }
    for (i = 0; i < m * P; i++) s->k_float[i] = (float)s->k[i];
    hfy_linalg_sgemm_(v->simd, m, N, P, 1, s->k_float, P, 1, v->k.alpha_float, N, 1, 0, s->h_float, N, 1,
                      (float *)(void *)s->gemm);
    for (i = 0; i < m * N; i++) s->h[i] = (double)s->h_float[i];
}

/* The signs of h as a packed state; 0 keeps the bit of x. Returns how many bits differ from x. */
HFY_PRIVATE_ size_t hfy_kernel_signs_(const double *h, size_t dim, const uint64_t *x, uint64_t *y)
{
    size_t j, word, flips = 0, words = hfy_kernel_words(dim);
    for (word = 0; word < words; word++) {
        uint64_t up = 0, same = 0;
        size_t end = hfy_base_min_(64, dim - word * 64);
        for (j = 0; j < end; j++) {
            uint64_t v = hfy_base_bits_(h[word * 64 + j]); /* its sign, and is it +0 or -0? */
            up |= (v >> 63 ^ 1) << j;
            same |= (uint64_t)(v << 1 == 0) << j;
        }
        up = (up & ~same) | (same & x[word]);
        flips += hfy_kernel_ones_(up ^ x[word]);
        y[word] = up;
    }
    return flips;
}

/* States first .. last-1, all bits at once, a batch at a time. */
HFY_PRIVATE_ void hfy_kernel_walk_together_(hfy_kernel_walk_ *walk, hfy_kernel_slot_ *s, size_t first, size_t last)
{
    const hfy_kernel_view_ *v = walk->view;
    const size_t words = v->words, N = v->k.dim;
    size_t from, a, b, t, m;
    size_t who[HFY_KERNEL_BATCH_], flips[HFY_KERNEL_BATCH_];
    for (from = first; from < last; from += HFY_KERNEL_BATCH_) {
        m = hfy_base_min_(HFY_KERNEL_BATCH_, last - from);
        memcpy(s->now, walk->states + from * words, m * words * sizeof(uint64_t));
        for (a = 0; a < m; a++) who[a] = from + a, flips[a] = 0;
        for (t = 1; m; t++) {
            size_t left = 0;
            hfy_kernel_fields_(v, s, s->now, m, 1, NULL);
            for (a = 0; a < m; a++) {
                uint64_t *x = s->now + a * words, *past = s->before + a * words;
                uint64_t *to = walk->out + who[a] * words;
                size_t changed = hfy_kernel_signs_(s->h + a * N, N, x, to), period = 0;
                flips[a] += changed;
                if (!changed) period = 1;
                if (changed && t > 1 && !memcmp(to, past, words * sizeof(uint64_t))) period = 2;
                if (period || t == v->k.max_steps) {
                    if (walk->report.steps) walk->report.steps[who[a]] = t;
                    if (walk->report.period) walk->report.period[who[a]] = period;
                    if (walk->report.flips) walk->report.flips[who[a]] = flips[a];
                    continue;
                }
                b = left++; /* stays: moves up in the batch */
                memcpy(s->before + b * words, x, words * sizeof(uint64_t));
                memcpy(s->now + b * words, to, words * sizeof(uint64_t));
                who[b] = who[a], flips[b] = flips[a];
            }
            m = left;
        }
    }
}

/* One state, bit after bit. */
HFY_PRIVATE_ void hfy_kernel_walk_alone_(hfy_kernel_walk_ *walk, hfy_kernel_slot_ *s, size_t who)
{
    const hfy_kernel_view_ *v = walk->view;
    const size_t words = v->words, N = v->k.dim, P = v->k.count;
    hfy_rng rng = hfy_rng_seed(v->k.seed + who);
    size_t t, l, i, total = 0, period = 0;
    uint64_t *x = s->now;
    memcpy(x, walk->states + who * words, words * sizeof(uint64_t));
    for (i = 0; i < N; i++) s->order[i] = i;
    hfy_kernel_distances_(v, x, P, s->d);
    hfy_kernel_values_(v, s->d, s->tally, hfy_kernel_least_(v, s->d), s->k);
    for (t = 0; t < v->k.max_steps && !period; t++) {
        size_t flips = 0;
        if (v->k.order == HFY_BINARY_RANDOM) /* Fisher-Yates */
            for (i = N; i > 1; i--) {
                size_t other = (size_t)(hfy_rng_u64(&rng) % i), hold = s->order[i - 1];
                s->order[i - 1] = s->order[other];
                s->order[other] = hold;
            }
        for (l = 0; l < N; l++) {
            size_t j = s->order[l];
            double h = hfy_linalg_dot_(s->k, walk->turned + j * P, P);
            int own = hfy_kernel_bit_(x, j);
            if (own ? !(h < 0) : !(h > 0)) continue;
            x[j / 64] ^= UINT64_C(1) << (j % 64);
            flips++;
            for (i = 0; i < P; i++)
                if (hfy_kernel_bit_(v->k.patterns + i * words, j) == own)
                    s->d[i]++;
                else
                    s->d[i]--;
            hfy_kernel_values_(v, s->d, s->tally, hfy_kernel_least_(v, s->d), s->k);
        }
        total += flips;
        period = !flips;
    }
    memcpy(walk->out + who * words, x, words * sizeof(uint64_t));
    if (walk->report.steps) walk->report.steps[who] = t;
    if (walk->report.period) walk->report.period[who] = period;
    if (walk->report.flips) walk->report.flips[who] = total;
}

HFY_PRIVATE_ void hfy_kernel_walk_task_(void *context, size_t task)
{
    hfy_kernel_walk_ *walk = (hfy_kernel_walk_ *)context;
    size_t first = walk->n * task / walk->tasks, last = walk->n * (task + 1) / walk->tasks, who;
    if (walk->view->k.order == HFY_BINARY_SYNCHRONOUS) {
        hfy_kernel_walk_together_(walk, walk->slot + task, first, last);
        return;
    }
    for (who = first; who < last; who++) hfy_kernel_walk_alone_(walk, walk->slot + task, who);
}

/* The table, and alpha by neurons: once before any walk. */
HFY_PRIVATE_ void hfy_kernel_ready_(hfy_kernel_walk_ *walk)
{
    hfy_kernel_view_ *v = walk->view;
    size_t i, j, P = v->k.count, N = v->k.dim;
    hfy_kernel_fill_table_(v);
    for (i = 0; walk->turned && i < P; i++)
        for (j = 0; j < N; j++)
            walk->turned[j * P + i] = v->k.alpha         ? v->k.alpha[i * N + j]
                                      : v->k.alpha_float ? (double)v->k.alpha_float[i * N + j]
                                                         : (double)v->k.alpha_bytes[i * N + j];
}

HFY_PRIVATE_ void hfy_kernel_run_walk_(hfy_kernel_walk_ *walk, const uint64_t *states, uint64_t *out)
{
    walk->states = states;
    walk->out = out;
    if (walk->n) hfy_base_parallel_(walk->tasks, hfy_kernel_walk_task_, walk);
}

HFY_API hfy_status hfy_kernel_recall(const hfy_kernel *kernel, const uint64_t *states, size_t n, uint64_t *out,
                                     const hfy_kernel_report *report, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_kernel_view_ v;
    hfy_kernel_walk_ walk;
    hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_ANY_ALPHA_, &v, w);
    int pass;
    memset(&walk, 0, sizeof walk);
    if (!status) status = hfy_kernel_check_bits_(states, n, v.k.dim, "states", w);
    if (!status && n && !out) status = hfy_base_fail_(w, HFY_ERR_ARG, "out is NULL");
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_kernel_plan_table_(&arena, &v);
        hfy_kernel_plan_walk_(&arena, &v, n, &walk);
    }
    if (!status) {
        if (report) walk.report = *report;
        hfy_kernel_ready_(&walk);
        hfy_kernel_run_walk_(&walk, states, out);
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_kernel_potentials(const hfy_kernel *kernel, const uint64_t *states, size_t n, double *h,
                                         double *shift, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_kernel_view_ v;
    hfy_kernel_walk_ walk;
    hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_ALPHA_, &v, w);
    size_t from, m;
    int pass;
    memset(&walk, 0, sizeof walk);
    if (!status) status = hfy_kernel_check_bits_(states, n, v.k.dim, "states", w);
    if (!status && n && !h) status = hfy_base_fail_(w, HFY_ERR_ARG, "h is NULL");
    v.k.order = HFY_BINARY_SYNCHRONOUS;
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_kernel_plan_table_(&arena, &v);
        hfy_kernel_plan_walk_(&arena, &v, 1, &walk);
    }
    if (!status) {
        hfy_kernel_ready_(&walk);
        for (from = 0; from < n; from += m) {
            m = hfy_base_min_(HFY_KERNEL_BATCH_, n - from);
            hfy_kernel_fields_(&v, walk.slot, states + from * v.words, m, shift != NULL, shift ? shift + from : NULL);
            memcpy(h + from * v.k.dim, walk.slot->h, m * v.k.dim * sizeof(double));
        }
    }
    return hfy_base_close_(w, &local, status);
}

/* --- cues and random states --- */

/* Flips `flips` different bits of one state: a partial Fisher-Yates shuffle of the places. */
HFY_PRIVATE_ void hfy_kernel_flip_row_(uint64_t *x, size_t dim, size_t flips, hfy_rng *rng, size_t *places)
{
    size_t i, j, hold;
    for (i = 0; i < dim; i++) places[i] = i;
    for (i = 0; i < flips; i++) {
        j = i + (size_t)(hfy_rng_u64(rng) % (dim - i));
        hold = places[i], places[i] = places[j], places[j] = hold;
        x[places[i] / 64] ^= UINT64_C(1) << (places[i] % 64);
    }
}

HFY_PRIVATE_ void hfy_kernel_random_row_(uint64_t *x, size_t dim, hfy_rng *rng)
{
    size_t j;
    memset(x, 0, hfy_kernel_words(dim) * sizeof *x);
    for (j = 0; j < dim; j++) x[j / 64] |= (hfy_rng_u64(rng) >> 63) << (j % 64);
}

HFY_API hfy_status hfy_kernel_flip(const uint64_t *states, size_t rows, size_t dim, size_t flips, hfy_rng *rng,
                                   uint64_t *out, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_status status = hfy_kernel_check_bits_(states, rows, dim, "states", w);
    size_t words = hfy_kernel_words(dim), i, *places = NULL;
    int pass;
    if (!status && (!rng || (rows && !out)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !rng ? "rng" : "out");
    if (!status && flips > dim)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "flips is %z; it should be at most dim, %z", flips, dim);
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (!status) places = (size_t *)hfy_base_take_(&arena, dim, sizeof(size_t));
    }
    if (!status && rows && out != states) memmove(out, states, rows * words * sizeof *out);
    for (i = 0; !status && i < rows; i++) hfy_kernel_flip_row_(out + i * words, dim, flips, rng, places);
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_kernel_random(size_t n, size_t dim, hfy_rng *rng, uint64_t *out, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_status status = hfy_kernel_check_bits_(NULL, 0, dim, "out", w);
    size_t i;
    if (!status && !hfy_base_fits_(n, dim, sizeof(double)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%z states of dim %z: an array of that size cannot exist", n, dim);
    if (!status && (!rng || (n && !out))) status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !rng ? "rng" : "out");
    for (i = 0; !status && i < n; i++) hfy_kernel_random_row_(out + i * hfy_kernel_words(dim), dim, rng);
    return hfy_base_close_(w, &local, status);
}

/* --- how good a memory is --- */

/* What hfy_kernel_stored, _basins and _explore share. */
typedef struct hfy_kernel_trial_ {
    hfy_kernel_view_ v;
    hfy_kernel_walk_ walk;
    uint64_t *cues, *ends; /* n x words */
    size_t *places, *period, *steps;
} hfy_kernel_trial_;

HFY_PRIVATE_ hfy_status hfy_kernel_reserve_trial_(hfy_kernel_trial_ *t, size_t n, hfy_work *w)
{
    hfy_base_arena_ arena = {NULL, 0};
    hfy_status status = HFY_OK;
    int pass;
    memset(&t->walk, 0, sizeof t->walk);
    for (pass = 0; pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) return status;
        hfy_kernel_plan_table_(&arena, &t->v);
        t->cues = (uint64_t *)hfy_base_take_(&arena, hfy_base_times_(n, t->v.words), sizeof(uint64_t));
        t->ends = (uint64_t *)hfy_base_take_(&arena, hfy_base_times_(n, t->v.words), sizeof(uint64_t));
        t->places = (size_t *)hfy_base_take_(&arena, t->v.k.dim, sizeof(size_t));
        t->period = (size_t *)hfy_base_take_(&arena, n, sizeof(size_t));
        t->steps = (size_t *)hfy_base_take_(&arena, n, sizeof(size_t));
        hfy_kernel_plan_walk_(&arena, &t->v, n, &t->walk);
    }
    t->walk.report.period = t->period;
    t->walk.report.steps = t->steps;
    hfy_kernel_ready_(&t->walk);
    return HFY_OK;
}

HFY_API hfy_status hfy_kernel_stored(const hfy_kernel *kernel, double *stored, double *margin, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_kernel_trial_ t;
    hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_ALPHA_, &t.v, w);
    size_t from, m, a, j, fixed = 0;
    double least = HUGE_VAL;
    t.v.k.order = HFY_BINARY_SYNCHRONOUS;
    if (!status) status = hfy_kernel_reserve_trial_(&t, 1, w);
    for (from = 0; !status && from < t.v.k.count; from += m) {
        const uint64_t *x = t.v.k.patterns + from * t.v.words;
        m = hfy_base_min_(HFY_KERNEL_BATCH_, t.v.k.count - from);
        hfy_kernel_fields_(&t.v, t.walk.slot, x, m, 0, NULL); /* a stored pattern is its own nearest: no shift needed */
        for (a = 0; a < m; a++) {
            const double *h = t.walk.slot->h + a * t.v.k.dim;
            fixed += !hfy_kernel_signs_(h, t.v.k.dim, x + a * t.v.words, t.ends);
            for (j = 0; j < t.v.k.dim; j++) {
                double s = hfy_kernel_bit_(x + a * t.v.words, j) ? h[j] : -h[j];
                if (s < least) least = s;
            }
        }
    }
    if (!status && stored) *stored = (double)fixed / (double)t.v.k.count;
    if (!status && margin) *margin = least;
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_kernel_basins(const hfy_kernel *kernel, size_t patterns, const size_t *flips, size_t n_flips,
                                     const hfy_rng *rng, double *recovered, double *overlap, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_kernel_trial_ t;
    hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_ANY_ALPHA_, &t.v, w);
    size_t f, i, l, words = t.v.words, N = t.v.k.dim;
    if (!status && (!flips || !rng || !recovered))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !flips ? "flips" : !rng ? "rng" : "recovered");
    if (!status && (!patterns || patterns > t.v.k.count))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "patterns is %z; it should be 1 .. count, %z", patterns, t.v.k.count);
    for (f = 0; !status && f < n_flips; f++)
        if (flips[f] > N)
            status = hfy_base_fail_(w, HFY_ERR_ARG, "flips[%z] is %z; it should be at most dim, %z", f, flips[f], N);
    if (!status) status = hfy_kernel_reserve_trial_(&t, patterns, w);
    for (f = 0; !status && f < n_flips; f++) {
        hfy_rng stream = *rng;
        size_t whole = 0, apart = 0;
        memcpy(t.cues, t.v.k.patterns, patterns * words * sizeof(uint64_t));
        for (i = 0; i < patterns; i++) hfy_kernel_flip_row_(t.cues + i * words, N, flips[f], &stream, t.places);
        hfy_kernel_run_walk_(&t.walk, t.cues, t.ends);
        for (i = 0; i < patterns; i++) {
            size_t d = 0;
            for (l = 0; l < words; l++) d += hfy_kernel_ones_(t.ends[i * words + l] ^ t.v.k.patterns[i * words + l]);
            whole += !d;
            apart += d;
        }
        recovered[f] = (double)whole / (double)patterns;
        if (overlap) overlap[f] = 1 - 2 * (double)apart / ((double)patterns * (double)N);
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_kernel_explore(const hfy_kernel *kernel, size_t n, hfy_rng *rng, hfy_kernel_census *census,
                                      hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_kernel_trial_ t;
    hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_ANY_ALPHA_, &t.v, w);
    size_t i, j, m, from, spurious = 0, words = t.v.words;
    hfy_kernel_census c;
    memset(&c, 0, sizeof c);
    if (!status && (!n || !rng || !census))
        status = hfy_base_fail_(w, HFY_ERR_ARG, n ? "%s is NULL" : "n is 0; it should be at least 1",
                                !rng ? "rng" : "census");
    if (!status) status = hfy_kernel_check_bits_(NULL, 0, t.v.k.dim, "n", w);
    if (!status && !hfy_base_fits_(n, t.v.k.dim, sizeof(double)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "n is %z: so many states cannot exist", n);
    if (!status) status = hfy_kernel_reserve_trial_(&t, n, w);
    if (!status) {
        const double share = 1 / (double)n;
        for (i = 0; i < n; i++) hfy_kernel_random_row_(t.cues + i * words, t.v.k.dim, rng);
        for (from = 0; from < n; from += m) {
            m = hfy_base_min_(HFY_KERNEL_BATCH_, n - from);
            hfy_kernel_fields_(&t.v, t.walk.slot, t.cues + from * words, m, 1, NULL);
            for (i = 0; i < m; i++)
                c.fixed += share * !hfy_kernel_signs_(t.walk.slot->h + i * t.v.k.dim, t.v.k.dim,
                                                      t.cues + (from + i) * words, t.ends);
        }
        hfy_kernel_run_walk_(&t.walk, t.cues, t.ends);
        for (i = 0; i < n; i++) {
            int kind = 0; /* 1 stored, 2 opposite */
            c.steps += share * (double)t.steps[i];
            if (t.period[i] != 1) {
                *(t.period[i] ? &c.cycles : &c.unsettled) += share;
                continue;
            }
            hfy_kernel_distances_(&t.v, t.ends + i * words, t.v.k.count, t.walk.slot->d);
            for (j = 0; j < t.v.k.count && kind != 1; j++)
                if (!t.walk.slot->d[j])
                    kind = 1;
                else if (t.walk.slot->d[j] == t.v.k.dim)
                    kind = 2;
            if (kind) {
                *(kind == 1 ? &c.stored : &c.opposite) += share;
                continue;
            }
            c.spurious += share;
            for (j = 0; j < spurious && memcmp(t.cues + j * words, t.ends + i * words, words * sizeof(uint64_t)); j++)
                continue;
            if (j == spurious) memcpy(t.cues + spurious++ * words, t.ends + i * words, words * sizeof(uint64_t));
        }
        c.different = spurious;
        *census = c;
    }
    return hfy_base_close_(w, &local, status);
}

/* --- landscape --- */

HFY_API hfy_status hfy_kernel_forces(const hfy_kernel *kernel, const double *x, size_t n, double *direct,
                                     double *indirect, hfy_kernel_geometry *geometry, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_kernel_view_ v;
    hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_ALPHA_, &v, w);
    double *fd = NULL, *fi = NULL, *apart = NULL;
    size_t at, i, j, N = v.k.dim;
    int pass;
    if (!status && !hfy_base_fits_(n, N, sizeof(double)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "n is %z: so many points cannot exist", n);
    if (!status && n && !x) status = hfy_base_fail_(w, HFY_ERR_ARG, "x is NULL");
    for (i = 0; !status && i < n; i++)
        if (!hfy_base_is_finite_(hfy_linalg_largest_(x + i * N, N)))
            status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "x holds NaN or infinity in row %z", i);
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        fd = (double *)hfy_base_take_(&arena, N, sizeof(double));
        fi = (double *)hfy_base_take_(&arena, N, sizeof(double));
        apart = (double *)hfy_base_take_(&arena, N, sizeof(double));
    }
    for (at = 0; !status && at < n; at++, x += N) {
        double fd_most, fi_most;
        for (j = 0; j < N; j++) fd[j] = fi[j] = 0;
        for (i = 0; i < v.k.count; i++) {
            const uint64_t *xi = v.k.patterns + i * v.words;
            const double *a = v.k.alpha + i * N;
            double c = hfy_linalg_dot_(x, a, N), square = 0, dot = 0, value, slope;
            for (j = 0; j < N; j++) {
                double s = hfy_kernel_bit_(xi, j) ? 1 : -1;
                if (v.k.kind == HFY_KERNEL_RBF) {
                    apart[j] = x[j] - s;
                    square += apart[j] * apart[j];
                } else {
                    apart[j] = s;
                    dot += s * x[j];
                }
            }
            value = hfy_kernel_of_(&v.k, dot, square);
            if (v.k.kind == HFY_KERNEL_RBF) {
                slope = 2 * v.k.gamma * value; /* -dK/dx = slope (x - xi) */
            } else {                           /* -dK/dx = slope xi */
                hfy_kernel less = v.k;
                less.degree = v.k.degree - 1;
                slope = v.k.kind == HFY_KERNEL_LINEAR ? -v.k.gamma
                                                      : -v.k.gamma * v.k.degree * hfy_kernel_of_(&less, dot, 0);
            }
            for (j = 0; j < N; j++) {
                fd[j] -= value * a[j];
                fi[j] += slope * c * apart[j];
            }
        }
        if (direct) memcpy(direct + at * N, fd, N * sizeof(double));
        if (indirect) memcpy(indirect + at * N, fi, N * sizeof(double));
        if (!geometry) continue;
        memset(geometry + at, 0, sizeof *geometry);
        geometry[at].potential = hfy_linalg_dot_(x, fd, N);
        geometry[at].direct = hfy_linalg_dot_(fd, fd, N);
        geometry[at].indirect = hfy_linalg_dot_(fi, fi, N);
        fd_most = hfy_linalg_largest_(fd, N), fi_most = hfy_linalg_largest_(fi, N);
        for (j = 0; j < N; j++) apart[j] = fd[j] + fi[j];
        geometry[at].sharpness = hfy_linalg_dot_(apart, apart, N);
        if (fd_most > 0 && fi_most > 0) { /* each scaled first: at large gamma the indirect force is tiny */
            for (j = 0; j < N; j++) fd[j] /= fd_most, fi[j] /= fi_most;
            geometry[at].interference = hfy_linalg_dot_(fd, fi, N) /
                                        sqrt(hfy_linalg_dot_(fd, fd, N) * hfy_linalg_dot_(fi, fi, N));
        } else {
            geometry[at].undefined = 1;
        }
    }
    return hfy_base_close_(w, &local, status);
}

/* --- spectra --- */

/* sum of x / x_1, or of squares; 0 where there is nothing. */
HFY_PRIVATE_ double hfy_kernel_rank_(const double *x, size_t n, int squares)
{
    double sum = 0;
    size_t i;
    if (!(x[0] > 0)) return 0;
    for (i = 0; i < n; i++) sum += squares ? x[i] / x[0] * (x[i] / x[0]) : x[i] / x[0];
    return sum;
}

HFY_API hfy_status hfy_kernel_spectra(const hfy_kernel *kernel, const double *gram, hfy_kernel_spectrum *spectrum,
                                      double *alpha_values, double *operator_values, double *effective_values,
                                      double *gram_values, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_kernel_view_ v;
    hfy_kernel_grams_ g;
    hfy_linalg_svd_ svd;
    hfy_linalg_eigen_ by_pattern, by_neuron, by_rank;
    hfy_kernel_spectrum s;
    hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_ALPHA_, &v, w);
    const size_t P = v.k.count, N = v.k.dim, r = hfy_base_min_(P, N), most = P > N ? P : N;
    double *own = NULL, *copy = NULL, *h = NULL, *sigma = NULL, *op = NULL, *effective = NULL, *grams = NULL,
           *logits = NULL, *square = NULL, *turned = NULL, *gemm = NULL;
    const double *K = gram;
    size_t slice = hfy_linalg_gemm_scratch_(P, most, most, sizeof(double)), i, j;
    int pass;
    memset(&s, 0, sizeof s);
    memset(&svd, 0, sizeof svd);
    if (!status && !spectrum) status = hfy_base_fail_(w, HFY_ERR_ARG, "spectrum is NULL");
    if (!status && !hfy_base_is_finite_(hfy_linalg_largest_(v.k.alpha, P * N)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "alpha holds NaN or infinity");
    if (!status && !(hfy_linalg_largest_(v.k.alpha, P * N) > 0))
        status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "alpha is 0: its stable rank does not exist");
    if (!status && gram && !hfy_base_is_finite_(hfy_linalg_largest_(gram, P * P)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "gram holds NaN or infinity");
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_kernel_plan_table_(&arena, &v);
        hfy_kernel_plan_gram_(&arena, &g, &v);
        own = (double *)hfy_base_take_(&arena, gram ? 0 : P * P, sizeof(double));
        copy = (double *)hfy_base_take_(&arena, P * P, sizeof(double));
        h = (double *)hfy_base_take_(&arena, P * N, sizeof(double));
        square = (double *)hfy_base_take_(&arena, hfy_base_times_(most, most), sizeof(double));
        turned = (double *)hfy_base_take_(&arena, P * N, sizeof(double));
        sigma = (double *)hfy_base_take_(&arena, r, sizeof(double));
        effective = (double *)hfy_base_take_(&arena, r, sizeof(double));
        logits = (double *)hfy_base_take_(&arena, r, sizeof(double));
        op = (double *)hfy_base_take_(&arena, N, sizeof(double));
        grams = (double *)hfy_base_take_(&arena, P, sizeof(double));
        gemm = (double *)hfy_base_take_(&arena, hfy_base_times_(hfy_base_workers_(), slice), sizeof(double));
        hfy_linalg_svd_plan_(&arena, P, N, &svd);
        hfy_linalg_eigen_plan_(&arena, P, 0, &by_pattern);
        hfy_linalg_eigen_plan_(&arena, N, 0, &by_neuron);
        hfy_linalg_eigen_plan_(&arena, r, 0, &by_rank);
        svd.eigen.simd = by_pattern.simd = by_neuron.simd = by_rank.simd = v.simd;
    }
    if (!status) {
        const double *u;
        if (!gram) {
            hfy_kernel_fill_table_(&v);
            hfy_kernel_run_gram_(&g, own);
            K = own;
        }
        hfy_linalg_product_run_(v.simd, P, N, P, K, v.k.alpha, h, gemm, slice);
        /* the operator: K^(1/2) alpha has the eigenvalues of alpha^T H */
        hfy_linalg_dgemm_(v.simd, N, N, P, 1, v.k.alpha, 1, N, h, N, 1, 0, square, N, 1, gemm);
        for (i = 0; i < N; i++)
            for (j = 0; j < i; j++)
                square[i * N + j] = square[j * N + i] = 0.5 * (square[i * N + j] + square[j * N + i]);
        status = hfy_linalg_eigen_run_(&by_neuron, square, op, NULL);
        for (i = 0; !status && i < N; i++) op[i] = op[i] > 0 ? sqrt(op[i]) : 0;
        if (!status) status = hfy_linalg_svd_run_(&svd, h, P, N, logits, 0);
        if (!status) status = hfy_linalg_svd_run_(&svd, v.k.alpha, P, N, sigma, 1);
        if (!status) {                       /* |alpha|: sigma^(1/2) U^T K U sigma^(1/2) */
            u = P >= N ? svd.matrix : svd.v; /* r rows of P */
            hfy_linalg_product_run_(v.simd, r, P, P, u, K, turned, gemm, slice);
            hfy_linalg_dgemm_(v.simd, r, r, P, 1, turned, P, 1, u, 1, P, 0, square, r, 1, gemm);
            for (i = 0; i < r; i++)
                for (j = 0; j <= i; j++)
                    square[i * r + j] = square[j * r + i] = sqrt(sigma[i]) * sqrt(sigma[j]) * square[i * r + j];
            status = hfy_linalg_eigen_run_(&by_rank, square, effective, NULL);
        }
        if (!status) {
            memcpy(copy, K, P * P * sizeof(double));
            status = hfy_linalg_eigen_run_(&by_pattern, copy, grams, NULL);
        }
        if (status) status = hfy_base_fail_(w, status, "an eigenproblem did not converge");
    }
    if (!status) {
        s.alpha_1 = sigma[0];
        s.alpha_2 = r > 1 ? sigma[1] : 0;
        s.alpha_rank = hfy_kernel_rank_(sigma, r, 1);
        s.leading = 1 / s.alpha_rank;
        s.trailing = 1 - s.leading;
        s.operator_1 = op[0];
        s.operator_rank = hfy_kernel_rank_(op, N, 1);
        s.logits_1 = logits[0];
        s.logits_rank = hfy_kernel_rank_(logits, r, 1);
        s.effective = effective[0];
        s.gram_1 = grams[0];
        s.gram_least = grams[P - 1];
        s.gram_rank = hfy_kernel_rank_(grams, P, 0);
        *spectrum = s;
        if (alpha_values) memcpy(alpha_values, sigma, r * sizeof(double));
        if (operator_values) memcpy(operator_values, op, r * sizeof(double));
        if (effective_values) memcpy(effective_values, effective, r * sizeof(double));
        if (gram_values) memcpy(gram_values, grams, P * sizeof(double));
    }
    return hfy_base_close_(w, &local, status);
}

/* --- information geometry --- */

typedef struct hfy_kernel_info_ {
    hfy_kernel_view_ v;
    hfy_kernel_grams_ grams;
    hfy_kernel_lanczos_ lanczos;
    size_t P, neuron;
    double lambda, damping;
    const double *K;
    double *gram, *factor; /* P x P; the factor of K for natural steps */
    int singular;
    double *damped, *scaled;              /* P x P: G + damping, D K */
    double *a, *h, *p, *variance, *r, *g; /* P */
    double *step, *solved;
    double *gemm;
} hfy_kernel_info_;

HFY_PRIVATE_ void hfy_kernel_plan_info_(hfy_base_arena_ *arena, hfy_kernel_info_ *s, const double *gram, int natural)
{
    const size_t P = s->P, real = sizeof(double);
    hfy_kernel_plan_table_(arena, &s->v);
    hfy_kernel_plan_gram_(arena, &s->grams, &s->v);
    hfy_kernel_plan_lanczos_(arena, P, &s->lanczos);
    s->gram = (double *)hfy_base_take_(arena, gram ? 0 : P * P, real);
    s->factor = (double *)hfy_base_take_(arena, natural ? P * P : 0, real);
    s->damped = (double *)hfy_base_take_(arena, s->damping > 0 ? P * P : 0, real);
    s->scaled = (double *)hfy_base_take_(arena, s->damping > 0 ? P * P : 0, real);
    s->a = (double *)hfy_base_take_(arena, P, real);
    s->h = (double *)hfy_base_take_(arena, P, real);
    s->variance = (double *)hfy_base_take_(arena, P, real);
    s->r = (double *)hfy_base_take_(arena, P, real);
    s->g = (double *)hfy_base_take_(arena, P, real);
    s->step = (double *)hfy_base_take_(arena, P, real);
    s->solved = (double *)hfy_base_take_(arena, P, real);
    s->gemm = (double *)hfy_base_take_(arena, hfy_linalg_gemm_scratch_(P, P, P, real), real);
}

HFY_PRIVATE_ void hfy_kernel_ready_info_(hfy_kernel_info_ *s, const double *gram)
{
    s->K = gram;
    if (!gram) {
        hfy_kernel_fill_table_(&s->v);
        hfy_kernel_run_gram_(&s->grams, s->gram);
        s->K = s->gram;
    }
    if (!s->factor) return;
    memcpy(s->factor, s->K, s->P * s->P * sizeof(double));
    s->singular = hfy_linalg_cholesky_(s->factor, s->P) != HFY_OK;
}

/* h, variance, r, g from s->a; h too if it is not known. */
HFY_PRIVATE_ void hfy_kernel_gradient_(hfy_kernel_info_ *s)
{
    size_t i;
    hfy_linalg_dgemv_(s->v.simd, s->P, s->P, 1, s->K, s->P, 1, s->a, 1, 0, s->h, 1, s->gemm);
    for (i = 0; i < s->P; i++) {
        double e = exp(-fabs(s->h[i]));
        s->variance[i] = e / ((1 + e) * (1 + e));
        s->r[i] = hfy_kernel_residual_(hfy_kernel_bit_(s->v.k.patterns + i * s->v.words, s->neuron), s->h[i],
                                       s->lambda * s->a[i]);
    }
    hfy_linalg_dgemv_(s->v.simd, s->P, s->P, 1, s->K, s->P, 1, s->r, 1, 0, s->g, 1, s->gemm);
}

/* All of hfy_kernel_fisher after hfy_kernel_gradient_; s->step becomes the natural step. */
HFY_PRIVATE_ void hfy_kernel_measure_(hfy_kernel_info_ *s, hfy_kernel_fisher *out)
{
    const size_t P = s->P;
    const double nan = HUGE_VAL - HUGE_VAL, ln10 = 2.302585092994046;
    double most = -HUGE_VAL, top = -HUGE_VAL, sum = 0, norm;
    size_t i, j;
    memset(out, 0, sizeof *out);
    out->loss = hfy_kernel_loss_(&s->v, s->neuron, s->a, s->h, s->lambda);
    out->euclidean = hfy_linalg_dot_(s->g, s->g, P);
    for (i = 0; i < P; i++) { /* ln(r^2 / variance) = 2 ln|r| + |h| + 2 ln(1 + e^-|h|) */
        double over = fabs(s->h[i]) + 2 * log1p(exp(-fabs(s->h[i]))), l = log(fabs(s->r[i]));
        if (2 * l + over > most) most = 2 * l + over;
        if (l + over > top) top = l + over;
    }
    for (i = 0; i < P && most > -HUGE_VAL; i++) {
        double over = fabs(s->h[i]) + 2 * log1p(exp(-fabs(s->h[i])));
        sum += exp(2 * log(fabs(s->r[i])) + over - most);
    }
    out->log10_riemannian = sum > 0 ? (most + log(sum)) / ln10 : -HUGE_VAL;
    for (out->riemannian = 0, i = 0; i < P; i++)
        if (s->r[i] > 0 || s->r[i] < 0) {
            double e = exp(-fabs(s->h[i]));
            out->riemannian += e > 0 ? s->r[i] * ((1 + e) * (1 + e) / e) * s->r[i] : HUGE_VAL;
        }
    out->natural = out->log10_natural = nan;
    if (s->factor && !s->singular) {
        for (i = 0; i < P; i++) {
            double over = fabs(s->h[i]) + 2 * log1p(exp(-fabs(s->h[i])));
            double size = s->r[i] > 0 || s->r[i] < 0 ? exp(log(fabs(s->r[i])) + over - top) : 0;
            s->step[i] = s->r[i] < 0 ? -size : size;
        }
        hfy_linalg_cholesky_solve_(s->factor, P, s->step);
        norm = hfy_linalg_dot_(s->step, s->step, P);
        out->log10_natural = norm > 0 ? (2 * top + log(norm)) / ln10 : -HUGE_VAL;
        for (i = 0; i < P; i++) s->step[i] = norm > 0 ? s->step[i] * exp(top < 709 ? top : 709.0) : 0;
        out->natural = top < 350 && norm > 0 ? hfy_linalg_dot_(s->step, s->step, P)
                       : norm > 0            ? pow(10, out->log10_natural)
                                             : 0;
    }
    out->damped_riemannian = out->damped_natural = nan;
    if (s->damping > 0) {
        for (i = 0; i < P; i++)
            for (j = 0; j < P; j++) s->scaled[i * P + j] = s->variance[i] * s->K[i * P + j];
        hfy_linalg_dgemm_(s->v.simd, P, P, P, 1, s->K, P, 1, s->scaled, P, 1, 0, s->damped, P, 1, s->gemm);
        for (i = 0; i < P; i++) s->damped[i * P + i] += s->damping;
        if (!hfy_linalg_cholesky_(s->damped, P)) {
            memcpy(s->solved, s->g, P * sizeof(double));
            hfy_linalg_cholesky_solve_(s->damped, P, s->solved);
            out->damped_riemannian = hfy_linalg_dot_(s->g, s->solved, P);
            out->damped_natural = hfy_linalg_dot_(s->solved, s->solved, P);
        }
    }
    out->sharpness = hfy_kernel_largest_(s->v.simd, s->K, s->variance, s->lambda, P, &s->lanczos);
}

HFY_PRIVATE_ hfy_status hfy_kernel_open_info_(const hfy_kernel *kernel, size_t neuron, const double *gram,
                                              double lambda, double damping, hfy_kernel_info_ *s, hfy_work *w)
{
    hfy_status status;
    memset(s, 0, sizeof *s);
    status = hfy_kernel_open_(kernel, HFY_KERNEL_NO_ALPHA_, &s->v, w);
    if (status) return status;
    s->P = s->v.k.count;
    s->neuron = neuron;
    s->lambda = lambda;
    s->damping = damping;
    if (neuron >= s->v.k.dim)
        return hfy_base_fail_(w, HFY_ERR_ARG, "neuron is %z; it should be below dim, %z", neuron, s->v.k.dim);
    if (!(lambda >= 0) || !hfy_base_is_finite_(lambda))
        return hfy_base_fail_(w, HFY_ERR_ARG, "lambda is %g; it should be finite and not negative", lambda);
    if (!(damping >= 0) || !hfy_base_is_finite_(damping))
        return hfy_base_fail_(w, HFY_ERR_ARG, "damping is %g; it should be finite and not negative", damping);
    if (gram && !hfy_base_is_finite_(hfy_linalg_largest_(gram, s->P * s->P)))
        return hfy_base_fail_(w, HFY_ERR_ARG, "gram holds NaN or infinity");
    return HFY_OK;
}

HFY_API hfy_status hfy_kernel_information(const hfy_kernel *kernel, size_t neuron, const double *a, const double *gram,
                                          double lambda, double damping, hfy_kernel_fisher *fisher, double *gradient,
                                          double *step, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_kernel_info_ s;
    hfy_status status = hfy_kernel_open_info_(kernel, neuron, gram, lambda, damping, &s, w);
    int pass;
    if (!status && (!a || !fisher)) status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !a ? "a" : "fisher");
    if (!status && !hfy_base_is_finite_(hfy_linalg_largest_(a, s.P)))
        status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "a holds NaN or infinity");
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (!status) hfy_kernel_plan_info_(&arena, &s, gram, 1);
    }
    if (!status) {
        hfy_kernel_ready_info_(&s, gram);
        memcpy(s.a, a, s.P * sizeof(double));
        hfy_kernel_gradient_(&s);
        hfy_kernel_measure_(&s, fisher);
        if (gradient) memcpy(gradient, s.g, s.P * sizeof(double));
        if (s.singular)
            status = hfy_base_fail_(w, HFY_ERR_SINGULAR,
                                    "K is singular (equal patterns?): there is no natural step; all else is written");
        else if (step)
            memcpy(step, s.step, s.P * sizeof(double));
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_kernel_follow(const hfy_kernel *kernel, size_t neuron, const double *gram, double eta,
                                     double lambda, size_t steps, int in_logits, double damping, hfy_kernel_path *path,
                                     hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_base_arena_ arena = {NULL, 0};
    hfy_kernel_info_ s;
    hfy_linalg_eigen_ eigen;
    hfy_status status;
    hfy_kernel_path out;
    double *fisher = NULL, *values = NULL, *vectors = NULL, *scaled = NULL, *goal = NULL, *moved = NULL, *end = NULL;
    size_t t, i, j, P;
    int pass;
    if (!(eta > 0) && !(eta < 0) && !hfy_base_is_nan_(eta)) eta = 0.1;
    if (!(lambda > 0) && !(lambda < 0) && !hfy_base_is_nan_(lambda)) lambda = 0.01;
    status = hfy_kernel_open_info_(kernel, neuron, gram, lambda, damping, &s, w);
    P = s.P;
    memset(&out, 0, sizeof out);
    if (!status && !path) status = hfy_base_fail_(w, HFY_ERR_ARG, "path is NULL");
    if (!status && (!(eta > 0) || !hfy_base_is_finite_(eta)))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "eta is %g; it should be positive and finite, or 0 for 0.1", eta);
    if (!status && !steps) status = hfy_base_fail_(w, HFY_ERR_ARG, "steps is 0: a path of no steps has no direction");
    for (pass = 0; !status && pass < 2; pass++) {
        if (pass) status = hfy_base_reserve_(w, &arena);
        if (status) break;
        hfy_kernel_plan_info_(&arena, &s, gram, path->fisher != NULL);
        fisher = (double *)hfy_base_take_(&arena, P * P, sizeof(double));
        scaled = (double *)hfy_base_take_(&arena, P * P, sizeof(double));
        vectors = (double *)hfy_base_take_(&arena, P * P, sizeof(double));
        values = (double *)hfy_base_take_(&arena, P, sizeof(double));
        goal = (double *)hfy_base_take_(&arena, P, sizeof(double));
        moved = (double *)hfy_base_take_(&arena, P, sizeof(double));
        end = (double *)hfy_base_take_(&arena, P, sizeof(double));
        hfy_linalg_eigen_plan_(&arena, P, 1, &eigen);
        eigen.simd = s.v.simd;
    }
    if (!status) hfy_kernel_ready_info_(&s, gram);
    for (pass = 0; !status && pass < 2; pass++) { /* once to find the end, once along it */
        double length = 0, sum = 0;
        for (i = 0; i < P; i++) s.a[i] = 0;
        for (t = 0;; t++) {
            hfy_kernel_gradient_(&s);
            if (!hfy_base_is_finite_(hfy_linalg_largest_(s.g, P))) {
                status = hfy_kernel_left_range_(t, w);
                break;
            }
            if (pass) {
                const double *x = in_logits ? s.h : s.a;
                double along = hfy_linalg_dot_(x, goal, P), off = 0;
                for (i = 0; i < P; i++) off += (x[i] - along * goal[i]) * (x[i] - along * goal[i]);
                off = sqrt(off) / out.length;
                if (path->progress) path->progress[t] = along / out.length;
                if (path->deviation) path->deviation[t] = off;
                if (off > out.most) out.most = off, out.most_at = t;
                if (path->fisher) hfy_kernel_measure_(&s, path->fisher + t);
            }
            if (t == steps) break;
            if (pass) {
                double c = 0, tail = 0, principal;
                for (i = 0; i < P; i++) moved[i] = -eta * s.g[i];
                c = hfy_linalg_dot_(vectors, moved, P);
                principal = 0.5 * values[0] * c * c;
                if (in_logits) { /* the length of the way in the same coordinates */
                    hfy_linalg_dgemv_(s.v.simd, P, P, 1, s.K, P, 1, moved, 1, 0, s.solved, 1, s.gemm);
                    length += sqrt(hfy_linalg_dot_(s.solved, s.solved, P));
                } else {
                    length += sqrt(hfy_linalg_dot_(moved, moved, P));
                }
                for (i = 0; i < P; i++)
                    moved[i] -= c * vectors[i]; /* what is left, measured by itself: never negative */
                hfy_linalg_dgemv_(s.v.simd, P, P, 1, s.K, P, 1, moved, 1, 0, s.solved, 1, s.gemm);
                for (i = 0; i < P; i++) tail += 0.5 * end[i] * s.solved[i] * s.solved[i];
                if (path->principal) path->principal[t] = principal;
                if (path->tail) path->tail[t] = tail;
                out.sum_principal += principal;
                out.sum_tail += tail;
                if (principal > tail) out.last_principal = t;
            }
            for (i = 0; i < P; i++) s.a[i] -= eta * s.g[i];
        }
        if (status) break;
        if (pass) {
            out.path = length / out.length;
            break;
        }
        /* the end: its direction, and G* = K D K */
        memcpy(goal, in_logits ? s.h : s.a, P * sizeof(double));
        memcpy(end, s.variance, P * sizeof(double));
        out.length = sqrt(hfy_linalg_dot_(goal, goal, P));
        for (i = 0; i < P; i++) goal[i] /= out.length;
        for (i = 0; i < P; i++)
            for (j = 0; j < P; j++) scaled[i * P + j] = s.variance[i] * s.K[i * P + j];
        hfy_linalg_dgemm_(s.v.simd, P, P, P, 1, s.K, P, 1, scaled, P, 1, 0, fisher, P, 1, s.gemm);
        for (i = 0; i < P; i++)
            for (j = 0; j < i; j++)
                fisher[i * P + j] = fisher[j * P + i] = 0.5 * (fisher[i * P + j] + fisher[j * P + i]);
        status = hfy_linalg_eigen_run_(&eigen, fisher, values, vectors);
        if (status) status = hfy_base_fail_(w, status, "QL did not converge on the Fisher information");
        out.fisher_1 = values[0];
        out.fisher_2 = P > 1 ? values[1] : 0;
        for (i = 0; i < P; i++) sum += values[i];
        out.concentration = values[0] / sum;
        out.ambiguous = P > 1 && values[0] < 1.01 * values[1];
        out.last_principal = SIZE_MAX;
    }
    if (!status) {
        path->length = out.length, path->path = out.path;
        path->sum_principal = out.sum_principal, path->sum_tail = out.sum_tail;
        path->most = out.most, path->most_at = out.most_at;
        path->fisher_1 = out.fisher_1, path->fisher_2 = out.fisher_2, path->concentration = out.concentration;
        path->ambiguous = out.ambiguous, path->last_principal = out.last_principal;
        if (path->fisher && s.singular)
            status = hfy_base_fail_(w, HFY_ERR_SINGULAR,
                                    "K is singular (equal patterns?): there is no natural step; all else is written");
    }
    return hfy_base_close_(w, &local, status);
}

#undef HFY_KERNEL_BATCH_
#undef HFY_KERNEL_LANCZOS_
#undef HFY_KERNEL_BUILTIN_
#endif /* HFY_CORE_ONLY */

/* ------------------------------------------------------------------------------------------------------------------
   LICENCE   This software is available under two licences; choose whichever you prefer.
   ------------------------------------------------------------------------------------------------------------------
   ALTERNATIVE A: MIT License

   Copyright (c) 2026 the hfy.h authors

   Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
   documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
   rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
   permit persons to whom the Software is furnished to do so, subject to the following conditions:

   The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
   Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
   WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS
   OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
   OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
   ------------------------------------------------------------------------------------------------------------------
   ALTERNATIVE B: Public Domain (Unlicense)

   This is free and unencumbered software released into the public domain.

   Anyone is free to copy, modify, publish, use, compile, sell, or distribute this software, either in source code form
   or as a compiled binary, for any purpose, commercial or non-commercial, and by any means.

   In jurisdictions that recognize copyright laws, the author or authors of this software dedicate any and all
   copyright interest in the software to the public domain. We make this dedication for the benefit of the public at
   large and to the detriment of our heirs and successors. We intend this dedication to be an overt act of
   relinquishment in perpetuity of all present and future rights to this software under copyright law.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
   WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS
   BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING
   FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
   ------------------------------------------------------------------------------------------------------------------ */

#undef HFY_BODIES_
#undef HFY_SIMD_LANES_
#undef HFY_PRIVATE_
#undef HFY_RESTRICT_
#undef HFY_REAL_MAX_
#undef HFY_REAL_MIN_
#undef HFY_REAL_EPS_
#undef HFY_SIMD_BLOCK_
#undef HFY_SIMD_NOINLINE_
#undef HFY_SIMD_TINY_
#undef HFY_SIMD_X86_
#undef HFY_SIMD_NEON_
#undef HFY_LINALG_DEPTH_
#undef HFY_LINALG_WIDTH_
#undef HFY_LINALG_BAND_
#undef HFY_LINALG_PANEL_
#undef HFY_LINALG_STRIP_
#undef HFY_LINALG_BLOCK_
#undef HFY_LINALG_SWEEPS_

#endif /* HFY_BODIES_ */

/* The end of a pass over the templates (see >>simd.impl): the next one starts afresh. */
#ifdef HFY_SIMD_PASS_
#undef HFY_SIMD_PASS_
#undef HFY_GEMM_PASS_
#undef HFY_PASTE_3_
#undef HFY_PASTE_
#undef HFY_F_
#undef HFY_D_
#undef HFY_V_
#undef HFY_G_
#undef HFY_PASTE_G3_
#undef HFY_PASTE_G_
#undef HFY_S_
#undef HFY_LANES_
#undef HFY_ISA_
#undef HFY_TARGET_ATTRIBUTE_
#undef HFY_BYTES_
#undef HFY_REGISTER_
#undef HFY_PIN_
#undef HFY_ROWS_
#undef HFY_QUERIES_
#undef HFY_STRIP_
#undef HFY_BATCH_
#undef HFY_TARGET_
#undef HFY_INLINE_
#undef HFY_UNROLL_
#undef HFY_PREFETCH_
#undef HFY_PREFETCH_L2_
#endif
