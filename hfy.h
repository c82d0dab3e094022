/* hfy.h 0.1.0   associative memory in one C99 header: store patterns, hand it a broken one, get the whole one back
   SPDX-License-Identifier: MIT OR Unlicense   (your choice; both texts stand at the end of this file)

   DO THIS

       #define HFY_IMPLEMENTATION      in one source file only, before the include
       #include "hfy.h"

   and in every other source file the include alone. Link with -lm. There is nothing else to build, start or shut down.

   A COMPLETE PROGRAM          cc -std=c99 -O3 first.c -o first -lm && ./first

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
       pseudo-inverse (projection) rule *    DOT        IDENTITY                  values               SIGN
       polynomial, exponential dense memory  DOT        POWER EXP                 keys                 SIGN TANH
       hetero-associative memory             DOT        any                       readout or values    any, LINEAR
       sum of energies                       DOT        any, and sep.plus         keys                 any
       universal Hopfield network            the rest   any                       any                  any
       kernel memory, p = e^(-g|x-q|^2) *    EUCLIDEAN  EXP, beta = 2g            values               SIGN
       graded rate network *                 DOT        IDENTITY                  values; step < 1     RECTIFIED_POWER
       * its keys or values come out of a training of their own, which this version leaves to you

   A sparse separation has a margin m (hfy_sep_margin): once one pattern scores m or more above all others it takes
   all the weight, and the answer is that pattern to the bit.

   Three levels:  hfy_retrieve runs the whole walk for many queries at once;  hfy_sim_scores, hfy_sep_apply and
   hfy_post_apply are its stages;  a hfy_work with your own buffer makes either of them run without allocation.
   Learning: hfy_retrieve_vjp, hfy_sep_vjp and hfy_post_vjp are the reverse-mode derivatives. Energies: hfy_energy.

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
     HFY_CORE_ONLY             not defined     global            drops every room after `file`. This version has no room
                                                                 after `file`, so today it drops nothing

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
     them; a hfy_work belongs to one thread at a time. To split a batch give each thread its own rows of queries and
     out. The bits of an answer do not depend on the split.

   PRECISION

     hfy_real is the type of patterns, queries and scores: float, or double with HFY_DOUBLE. Thresholds, norms,
     energies and losses are computed in double either way. HFY_DOUBLE renames every function and every type that
     holds hfy_real (hfy_retrieve becomes hfy_retrieve_d: the list is at >>precision), so files of different precision
     do not link by mistake, and one program may hold both: two files with HFY_IMPLEMENTATION, one of them with
     HFY_DOUBLE as well.

   ACCURACY AND DETERMINISM

     Scores are within 4 eps sqrt(D) beta |x||q| of the exact ones, eps that of hfy_real. Separations and
     post-transformations are, for the input they get, within a few units in the last place in float and within 1e-12
     in double. Weights of 0 and of 1 are exact, and where p is one-hot the pattern is copied to the bit. On one
     machine and build, a query's bits depend neither on the batch it came in nor on threads nor on the run: every dot
     product is summed in one fixed order and projections add patterns in ascending order. Another compiler, other
     flags or another libm may differ in the last bits. Random numbers come only from a hfy_rng that you seed. Compile
     the implementation file without -ffast-math (and /fp:fast, -Ofast): masks and missing bounds are infinities, and
     exact bits rest on the order of sums and on the sign of zero. Nothing is promised under it.

   hfy.h DOES NOT

     - start threads, print, read the environment, or keep global state
     - allocate anything but scratch; store, copy or own your patterns
     - choose beta, the separation or the number of steps for your data
     - approximate: no pruning of patterns that could matter, no hashing, no quantisation
     - learn by itself: it gives gradients and losses, the optimiser is yours
     - read images; .npy is the only file format
     - promise a binary interface between versions: compile it with your program

   -----------------------------------------------------------------------------------------------------------------
   CONTENTS   search for the tag; bodies stand at the tag with .impl after it, in the same order

     >>precision   every name that HFY_DOUBLE renames
     >>base        statuses, scratch memory, random numbers          >>base.impl
     >>simd        which instruction set runs                        >>simd.impl     the kernels
     >>linalg      (nothing public)                                  >>linalg.impl   Cholesky factor, solves
     >>sim         similarities of queries and keys                  >>sim.impl
     >>sep         from scores to weights: separations               >>sep.impl
     >>post        post-transformations of the projection            >>post.impl
     >>net         the memory: retrieve, energies, gradients         >>net.impl
     >>file        .npy arrays in and out                            >>file.impl

     A room calls only rooms above it. Public names are hfy_<room>_<verb> (the net's own: hfy_retrieve, hfy_energy);
     private ones end in an underscore.

   FURTHER   examples (hello, recall, attention, hetero, embedded), docs/guide.md (by tasks), docs/math.md (every
             equation and its function), docs/design.md (why it is built so), docs/porting.md

   SOURCES   HFY   Santos, Niculae, McNamee, Martins: Hopfield-Fenchel-Young Networks
             MHN   Ramsauer et al.: Hopfield Networks is All You Need
             RATE  Cohen, Lengyel: Dynamical stability for dense patterns in discrete attractor neural networks
             Equation numbers in comments are theirs; "mended" marks a misprint that docs/math.md explains.

   HISTORY

     0.1.0   base, sim, sep, post, net and .npy files: the walk, its energies and its gradients
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
#define hfy_sim_scores hfy_sim_scores_d
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

/* The instruction sets a kernel can be written for; hfy_work.isa picks one, HFY_ISA_BEST (0) lets the library choose. */
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

/* A random generator: SplitMix64, with a cached second normal. Plain data: copy it to fork a stream. Zeroed = seed 0. */
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
   beta: any finite number. Each score is within 4 eps sqrt(dim) |beta| |x||q| of the exact one (eps of hfy_real);
   a score beyond the range of hfy_real comes out infinite, NaN in gives NaN out.
   Cost: count x dim x n_queries multiply-adds. Errors: ARG (NULL, dim or count 0, stride < dim, beta not finite). */
HFY_API hfy_status hfy_sim_scores(hfy_sim sim, double beta, const hfy_real *keys, size_t count, size_t dim,
                                  size_t key_stride, const hfy_real *queries, size_t n_queries, hfy_real *scores,
                                  hfy_work *work);

/* ------------------------------------------------------------------------------------------------------------------
   >>sep   separations: y = argmax over dom(Omega) of theta.y - Omega(y)   (HFY eq. 9)
   ------------------------------------------------------------------------------------------------------------------ */
typedef enum hfy_sep_kind {
    HFY_SEP_SOFTMAX,   /* e^theta / sum;  Omega = sum y log y on the simplex */
    HFY_SEP_SPARSEMAX, /* projection onto the simplex;  Omega = 1/2|y|^2 - 1/2 (with bounds: 1/2|y|^2) */
    HFY_SEP_ENTMAX,    /* alpha-entmax;  Omega = (sum y^alpha - 1) / (alpha (alpha-1)) on the simplex (HFY eq. 17) */
    HFY_SEP_NORMMAX,   /* gamma-normmax;  Omega = |y|_gamma - 1 on the simplex (HFY eq. 19) */
    HFY_SEP_KSUBSETS,  /* projection onto {0 <= y <= 1, sum y = k};  Omega = rho/2 |y|^2 */
    HFY_SEP_IDENTITY,  /* theta;  Omega = 1/2|y|^2 */
    HFY_SEP_POWER,     /* sign(theta)|theta|^(degree-1);  Omega = 1/s |y|_s^s, 1/degree + 1/s = 1 (HFY eq. 10, mended) */
    HFY_SEP_EXP,       /* e^theta;  Omega = sum y log y - y on y >= 0 (HFY eq. 12, mended) */
    HFY_SEP_ARGMAX,    /* 1 on the k largest (ties: lowest index), 0 elsewhere;  Omega = 0 on their hull */
    HFY_SEP_UNIFORM    /* 1/n on every pattern that is not masked, whatever its score */
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

/* y[j*n + i]: prediction for each row of scores. theta: rows x n, finite or -INFINITY (masked: weight 0, never counted).
   y may be theta itself. Simplex kinds sum to one within rounding; equal scores get equal weights (ARGMAX: lowest index
   first); a vertex is exact to the bit: one-hot from a gap of hfy_sep_margin on.
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
   y: rows x n as hfy_sep_apply returned it for theta (theta is read for IDENTITY, POWER and `plus`; else it may be NULL). At a kink the support of y decides (one element of the generalized Jacobian). ARGMAX, UNIFORM, NORMMAX
   and ENTMAX at infinity: 0. ENTMAX needs finite alpha for grad->alpha. Cost O(n) a row.
   Errors: ARG, NOMEM; UNSUPPORTED (a parameter gradient the kind does not have; parameters of a `plus`);
   NONFINITE in dy is carried through, not reported. Sources: HFY 3.3 and B, spec 2. */
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

/* loss[j] = Omega(y) + Omega*(theta) - theta.y >= 0, the Fenchel-Young loss (HFY eq. 3): 0 if and only if
   y = prediction(theta); its gradient with respect to theta is prediction(theta) - y. +INFINITY for y outside the
   domain or with weight on a masked score. Computed without cancellation of large scores. Errors as hfy_sep_apply;
   UNSUPPORTED with `plus`. */
HFY_API hfy_status hfy_sep_loss(const hfy_sep *sep, const hfy_real *theta, const hfy_real *y, size_t rows, size_t n,
                                double *loss, hfy_work *work);

/* The margin m: a score m or more above all others takes all the weight (HFY Def. 2, Prop. 5; KSUBSETS: the k-th above the
   (k+1)-th). INFINITY where there is none, where bounds are set, or where sep is not valid; `plus`: the larger. */
HFY_API double hfy_sep_margin(const hfy_sep *sep);

/* ------------------------------------------------------------------------------------------------------------------
   >>post   post-transformations: q = argmax over dom(Psi) of z.q - Psi(q)   (HFY eq. 9)
   ------------------------------------------------------------------------------------------------------------------ */
typedef enum hfy_post_kind {
    HFY_POST_NONE,           /* z;  Psi = 1/2|q|^2 */
    HFY_POST_TANH,           /* tanh(beta z);  Psi = -1/beta H_b((1+q)/2) on |q| <= 1 (HFY eq. 12, mended) */
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

/* q[j*n + i] for each row of z. z: rows x n; previous: rows x n, what sign(0) keeps (NULL: sign(0) = 0); q may be z, and
   for SIGN previous too. Zero vectors: L2 gives 0; constant ones: LAYERNORM gives delta.
   Errors: ARG (NULL, n = 0, a parameter outside its range, LAYERNORM with n = dof_minus, no matrix), NOMEM; one row:
   NONFINITE (z not finite, or the result beyond the range of hfy_real), that row untouched. Cost O(n) a row, LINEAR O(n^2). */
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

/* psi[j] = Psi(q_j); +INFINITY outside its domain, judged with a tolerance of max(1e-9, 8 eps)(1 + radius).
   Errors: ARG, NOMEM, NONFINITE (a row with NaN); UNSUPPORTED where no Psi exists: a matrix that is not symmetric positive
   definite, a gain vector, sigma > 0. */
HFY_API hfy_status hfy_post_value(const hfy_post *post, const hfy_real *q, size_t rows, size_t n, double *psi,
                                  hfy_work *work);

/* psi_star[j] = Psi*(z_j) = max over q of z.q - Psi(q). Errors as hfy_post_value. */
HFY_API hfy_status hfy_post_conjugate(const hfy_post *post, const hfy_real *z, size_t rows, size_t n, double *psi_star,
                                      hfy_work *work);

/* ------------------------------------------------------------------------------------------------------------------
   >>net   the memory: similarity, separation, projection, post-transformation, again   (HFY eq. 8, spec 5)
   ------------------------------------------------------------------------------------------------------------------ */

/* An associative memory. It borrows every array; no function keeps a pointer past its return. Zeroed but for dim, count
   and keys it is the modern Hopfield network: softmax attention over the keys with beta = 1/sqrt(dim).
   One step from q:  theta = beta sim(keys, q) + bias;  p = separation(theta);  z = values^T p - self_coupling o q;
   f(q) = post(z);  q <- q + step (f(q) - q). */
typedef struct hfy_net {
    size_t dim, count;            /* D: length of a pattern; N: how many; both >= 1 */
    const hfy_real *keys;         /* N rows of dim */
    size_t key_stride;            /* from one row to the next; 0 = dim */
    const hfy_real *values;       /* N rows of dim, used in every step; NULL = keys */
    size_t value_stride;          /* 0 = dim (key_stride while values is NULL) */
    const hfy_real *self_coupling; /* dim: z <- z - self_coupling o q (classical nets without self-coupling); or NULL */
    const hfy_real *readout;      /* N rows of readout_dim: out = readout^T p of the last step, no post; or NULL */
    size_t readout_dim, readout_stride; /* >= 1 with a readout; stride 0 = readout_dim */
    hfy_sim sim;
    double beta;                  /* inverse temperature > 0; 0 = 1/sqrt(dim) for DOT with a simplex or polytope Omega, else 1 */
    hfy_sep sep;
    hfy_post post;
    const hfy_real *bias;         /* added to the scores; -INFINITY masks a pattern, whatever its key holds; or NULL */
    size_t bias_stride;           /* rows of N, one a query, this far apart; 0 = one row for all queries */
    const size_t *visible;        /* one a query: only patterns 0 .. visible-1 exist for it (causal, padding); or NULL */
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
    size_t *cycle;        /* 0, or the length of a cycle of states, equal to the bit, that the query was found to go round */
    double *energy;       /* n_queries x (max_steps+1): E of the start and after each step; the tail repeats the last */
    size_t top;           /* how many of the heaviest patterns to list */
    size_t *top_index;    /* n_queries x top, heaviest first, ties by index; then SIZE_MAX */
    hfy_real *top_weight; /* n_queries x top; then 0 */
    hfy_real *weights;    /* n_queries x N: the last step's p */
} hfy_report;

/* Runs every query through the net until it stands still or max_steps are made.
   queries: n_queries x dim. out: n_queries x dim, or x readout_dim with a readout; may be queries if the widths agree.
   Cost a step and query: N dim multiply-adds for the scores, |support| dim for the projection; a query that stands still
   costs nothing more. Where p is one-hot the pattern is copied to the bit. The bits of a query's answer depend neither on
   the other queries nor on the number of threads.
   With the EXP separation p is kept as e^(theta - max theta) so that nothing overflows inside; report->weights are e^theta,
   +INFINITY where hfy_real cannot hold them.
   Running into max_steps is HFY_OK (see residual). A cycle in the last bits counts as standing still; round a wider one (a
   synchronous classical net has them) whole turns are skipped, and the answer is that of max_steps all the same.
   SOFTMAX and EXP keep running sums in one pass over the keys; asked for support, top, weights or energies they keep whole
   rows of weights, in more memory, with answers equal up to rounding. All others give the same bits either way.
   Errors before anything is written: ARG, NOMEM, UNSUPPORTED
   (report->energy where no energy exists). Errors of one query, whose outputs stay untouched while all others are
   answered; the first is returned: NONFINITE (NaN or +INFINITY in its scores, or a state beyond the range of hfy_real),
   ARG (every pattern masked, or k above the unmasked), INFEASIBLE (bounds). */
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
   Errors as hfy_retrieve: a query with an error adds nothing. UNSUPPORTED: alpha or gamma for a kind without it, EXP beyond
   the range of hfy_real. */
HFY_API hfy_status hfy_retrieve_vjp(const hfy_net *net, const hfy_real *queries, size_t n_queries, const hfy_real *dout,
                                    const hfy_grad *grad, hfy_work *work);

/* energy[j] = -1/beta Omega*(beta K q + bias) + Psi(q) + 1/2 sum self_coupling q^2 (HFY eq. 8, no constant): what the
   steps descend (CCCP; step = 1, no self-coupling). +INFINITY for q outside dom Psi. q: n_queries x dim.
   Errors: UNSUPPORTED where no energy exists: a similarity other than DOT, values that are not the keys, or a post without
   Psi; else as hfy_retrieve. */
HFY_API hfy_status hfy_energy(const hfy_net *net, const hfy_real *q, size_t n_queries, double *energy, hfy_work *work);

/* The constants that the papers add to the raw energy; u = prediction(0), M = max |x_i|. */
typedef enum hfy_energy_form {
    HFY_ENERGY_RAW,   /* 0 */
    HFY_ENERGY_PAPER, /* -Omega(u)/beta + M^2/2 (HFY eq. 20; softmax, no post: MHN eq. 2) */
    HFY_ENERGY_FY     /* -Omega(u)/beta + Psi*(X^T u) (HFY eq. 6: a difference of Fenchel-Young losses) */
} hfy_energy_form;
HFY_API hfy_status hfy_energy_constant(const hfy_net *net, hfy_energy_form form, double *constant, hfy_work *work);

/* Checks everything about a net that does not depend on the queries and, if resolved is not NULL, gives back the net with
   all defaults filled in. Errors: ARG with the member, its value and what it should have been. */
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

/* Decodes a whole .npy file in memory to row-major hfy_real. capacity: elements that out has room for. info may be NULL.
   Errors: as hfy_file_npy_parse; FORMAT (fewer bytes than the shape needs); ARG (capacity too small: the message says how
   much is needed). Values beyond the range of hfy_real become infinite; i8 is rounded to hfy_real. */
HFY_API hfy_status hfy_file_npy_decode(const void *bytes, size_t size, hfy_real *out, size_t capacity, hfy_npy *info,
                                       hfy_work *work);

/* Writes the header of a row-major .npy array of hfy_real in this machine's byte order into `bytes` and its length into
   *size (a multiple of 64; at most 256). bytes: capacity of at least 256. The elements follow it as they are. */
HFY_API hfy_status hfy_file_npy_header(const size_t *shape, size_t rank, void *bytes, size_t capacity, size_t *size,
                                       hfy_work *work);

#ifndef HFY_NO_STDIO
/* The same on files. hfy_file_npy_info reads the header only, so that the caller can make room; hfy_file_npy_read checks the
   file's length against the shape before it reads the elements into out (untouched on every error but an IO error midway).
   Errors: ARG, IO (open, read, write), FORMAT, NOMEM. */
HFY_API hfy_status hfy_file_npy_info(const char *path, hfy_npy *info, hfy_work *work);
HFY_API hfy_status hfy_file_npy_read(const char *path, hfy_real *out, size_t capacity, hfy_npy *info, hfy_work *work);
HFY_API hfy_status hfy_file_npy_write(const char *path, const hfy_real *data, const size_t *shape, size_t rank,
                                      hfy_work *work);
#endif

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

/* Six significant digits at most. Our own, so that messages need no stdio and no locale turns the point into a comma. */
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

/* The k-th largest (k = 1 .. n) of x, expected O(n); x is permuted. No NaN inside. Three-way partition around a
   pseudo-random pivot, so neither ties nor sorted input are slow. */
HFY_PRIVATE_ double hfy_base_kth_largest_(double *x, size_t n, size_t k)
{
    size_t lo = 0, hi = n, want = k - 1;
    uint64_t dice = UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)n;
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
   How: plain C (the definition of every kernel); then one template over a small vocabulary of vector operations, compiled
   for SSE2, AVX2+FMA, AVX-512 and NEON by this file including itself. On x86 each function carries its instruction set as
   an attribute, so a plain `cc -O2` makes them all and the machine decides at run time; NEON is decided by the compiler.
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
typedef void hfy_simd_pairs_(const hfy_real *x, size_t x_stride, size_t rows, const hfy_real *q, size_t q_stride, size_t nq,
                             size_t dim, hfy_real *out, size_t out_stride);

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
    /* y[i] = e^(x[i] - max), within 2 ulp of exact, 0 below 1e-37 (double: 1e-300); returns their sum. y may be x. */
    double (*softmax)(const hfy_real *x, size_t n, hfy_real max, hfy_real *y);
    void (*scale)(hfy_real *y, size_t n, double a);                 /* y = a y, in double, then rounded */
    void (*exp)(const hfy_real *x, size_t n, hfy_real *y);          /* y = e^x; y may be x */
    /* Double precision whatever hfy_real is: candidates and their distances d from the largest score. */
    /* r = max(t - d, 0): sums = {how many d < t, sum of r, sum of r^2} */
    void (*below)(const double *d, size_t n, double t, double sums[3]);
    /* Keeps those d < t (with their index), in order; returns how many. */
    size_t (*keep_below)(double *d, size_t *index, size_t n, double t);
    /* b = 1 - u d; p = b^e where b > 0, else 0; sums = {sum of p, sum of p/b over p > 0}. p may be d. */
    void (*powers)(const double *d, size_t n, double u, double e, double *p, double sums[2]);
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
    for (i = 0; i < n; i++) y[i] = (hfy_real)(a * (double)y[i]);
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
                                           hfy_simd_powers_scalar_};

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
#if defined(__FMA__) && defined(__GNUC__)
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
HFY_INLINE_ HFY_F_(vec) HFY_F_(fnma)(HFY_F_(vec) a, HFY_F_(vec) b, HFY_F_(vec) c) { return HFY_MM_(fnmadd_ps)(a, b, c); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(fnma)(HFY_D_(vec) a, HFY_D_(vec) b, HFY_D_(vec) c) { return HFY_MM_(fnmadd_pd)(a, b, c); }
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
HFY_INLINE_ HFY_F_(vec) HFY_F_(round)(HFY_F_(vec) a) { return _mm512_roundscale_ps(a, 8); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(round)(HFY_D_(vec) a) { return _mm512_roundscale_pd(a, 8); }
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
HFY_INLINE_ HFY_F_(vec) HFY_F_(inside)(HFY_F_(tail) t, HFY_F_(vec) a, HFY_F_(vec) b) { return _mm512_mask_mov_ps(b, t, a); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(inside)(HFY_D_(tail) t, HFY_D_(vec) a, HFY_D_(vec) b) { return _mm512_mask_mov_pd(b, t, a); }
HFY_INLINE_ HFY_F_(cond) HFY_F_(lt)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(lt)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
HFY_INLINE_ HFY_F_(cond) HFY_F_(le)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(le)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
/* is either NaN */
HFY_INLINE_ HFY_F_(cond) HFY_F_(nan)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(nan)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm512_cmp_pd_mask(a, b, _CMP_UNORD_Q); }
HFY_INLINE_ HFY_F_(cond) HFY_F_(either)(HFY_F_(cond) a, HFY_F_(cond) b) { return (__mmask16)(a | b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(either)(HFY_D_(cond) a, HFY_D_(cond) b) { return (__mmask8)(a | b); }
HFY_INLINE_ unsigned HFY_F_(bits)(HFY_F_(cond) c) { return (unsigned)c; }
HFY_INLINE_ unsigned HFY_D_(bits)(HFY_D_(cond) c) { return (unsigned)c; }
HFY_INLINE_ HFY_F_(vec) HFY_F_(select)(HFY_F_(cond) c, HFY_F_(vec) a, HFY_F_(vec) b) { return _mm512_mask_mov_ps(b, c, a); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(select)(HFY_D_(cond) c, HFY_D_(vec) a, HFY_D_(vec) b) { return _mm512_mask_mov_pd(b, c, a); }
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
    return _mm512_add_ps(_mm512_mask_blend_ps(0xAAAA, a, b), _mm512_permute_ps(_mm512_mask_blend_ps(0xAAAA, b, a), 0xB1));
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
HFY_INLINE_ HFY_F_(cond) HFY_F_(nan)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm256_cmp_ps(a, b, _CMP_UNORD_Q); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(nan)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm256_cmp_pd(a, b, _CMP_UNORD_Q); }
HFY_INLINE_ HFY_F_(vec) HFY_F_(select)(HFY_F_(cond) c, HFY_F_(vec) a, HFY_F_(vec) b) { return _mm256_blendv_ps(b, a, c); }
HFY_INLINE_ HFY_D_(vec) HFY_D_(select)(HFY_D_(cond) c, HFY_D_(vec) a, HFY_D_(vec) b) { return _mm256_blendv_pd(b, a, c); }
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
HFY_INLINE_ HFY_D_(vec) HFY_D_(load_n)(const double *p, HFY_D_(tail) t) { return t ? _mm_load_sd(p) : _mm_setzero_pd(); }
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
HFY_INLINE_ HFY_D_(vec) HFY_D_(inside)(HFY_D_(tail) t, HFY_D_(vec) a, HFY_D_(vec) b) { return t ? _mm_move_sd(b, a) : b; }
HFY_INLINE_ HFY_F_(cond) HFY_F_(lt)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm_cmplt_ps(a, b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(lt)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm_cmplt_pd(a, b); }
HFY_INLINE_ HFY_F_(cond) HFY_F_(le)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm_cmple_ps(a, b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(le)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm_cmple_pd(a, b); }
HFY_INLINE_ HFY_F_(cond) HFY_F_(nan)(HFY_F_(vec) a, HFY_F_(vec) b) { return _mm_cmpunord_ps(a, b); }
HFY_INLINE_ HFY_D_(cond) HFY_D_(nan)(HFY_D_(vec) a, HFY_D_(vec) b) { return _mm_cmpunord_pd(a, b); }
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

/* Moves the lanes whose bit is set to the front, of numbers and of indices. */
#if HFY_SIMD_PASS_ > 2 && SIZE_MAX > 0xFFFFFFFF
#define HFY_PACK_
HFY_INLINE_ size_t HFY_D_(count)(unsigned bits) { return (size_t)_mm_popcnt_u32(bits); }
HFY_INLINE_ HFY_D_(whole) HFY_D_(index_load)(const size_t *p) { return HFY_MM_INT_(loadu)((const HFY_D_(whole) *)(const void *)p); }
HFY_INLINE_ void HFY_D_(index_store)(size_t *p, HFY_D_(whole) a) { HFY_MM_INT_(storeu)((HFY_D_(whole) *)(void *)p, a); }
#if HFY_SIMD_PASS_ == 4
HFY_INLINE_ HFY_D_(whole) HFY_D_(index_from)(size_t i)
{
    return _mm512_add_epi64(_mm512_set1_epi64((int64_t)i), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
}
HFY_INLINE_ HFY_D_(vec) HFY_D_(pack)(unsigned bits, HFY_D_(vec) a) { return _mm512_maskz_compress_pd((__mmask8)bits, a); }
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
    UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000100), UINT64_C(0x0000000000000302), UINT64_C(0x0000000003020100),
    UINT64_C(0x0000000000000504), UINT64_C(0x0000000005040100), UINT64_C(0x0000000005040302), UINT64_C(0x0000050403020100),
    UINT64_C(0x0000000000000706), UINT64_C(0x0000000007060100), UINT64_C(0x0000000007060302), UINT64_C(0x0000070603020100),
    UINT64_C(0x0000000007060504), UINT64_C(0x0000070605040100), UINT64_C(0x0000070605040302), UINT64_C(0x0706050403020100)};
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
        return vaddq_f32(vcombine_f32(vget_low_f32(a), vget_low_f32(b)), vcombine_f32(vget_high_f32(a), vget_high_f32(b)));
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
HFY_INLINE_ void HFY_V_(tile)(int kind, int rows, int queries, const HFY_S_ *const *x, const HFY_S_ *const *q, size_t dim,
                              size_t ahead, HFY_S_ *sum)
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
HFY_INLINE_ void HFY_V_(pairs)(int kind, const HFY_S_ *x, size_t x_stride, size_t rows, const HFY_S_ *q, size_t q_stride,
                               size_t nq, size_t dim, HFY_S_ *out, size_t out_stride)
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
HFY_TARGET_ HFY_SIMD_NOINLINE_ void HFY_V_(rows)(const HFY_S_ *w, const HFY_S_ **row, size_t count, size_t dim, HFY_S_ *z)
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

/* z of BATCH queries, columns k .. k + strip*LANES (or the n columns of a masked tail), += count rows. Either all weights
   count (used NULL): w[j][i] for row i at x + i x_stride; or packed: w[0][i*BATCH + j] for the listed rows, used[i] telling by
   bits which of them are not zero. */
HFY_INLINE_ void HFY_V_(strip)(int strip, int masked, int packed, const HFY_S_ *const *w, const unsigned char *used,
                               const HFY_S_ *const *row, const HFY_S_ *x, size_t x_stride, size_t count, size_t k, size_t n,
                               HFY_S_ *const *z, size_t queries)
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
                                const HFY_S_ *x, size_t x_stride, size_t count, size_t dim, HFY_S_ *const *z, size_t queries,
                                const HFY_S_ *next, size_t ahead)
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
    for (; k + lanes <= dim; k += lanes) HFY_V_(strip)(1, 0, packed, w, used, row, x, x_stride, count, k, 0, z, queries);
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

HFY_TARGET_ void HFY_V_(combine)(const HFY_S_ *w, size_t w_stride, size_t nq, const HFY_S_ *x, size_t x_stride, size_t rows,
                                 size_t dim, HFY_S_ *z, size_t z_stride)
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
                HFY_V_(strips)(1, pw, used, row, px, x_stride, count, dim, pz, queries, px + (n + next) * x_stride, fetch);
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
HFY_INLINE_ size_t HFY_D_(keep)(HFY_D_(vec) x, HFY_D_(vec) max, HFY_D_(vec) width, size_t i, size_t *index, double *delta,
                                size_t count)
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
    HFY_F_(vec) r, p;
    *n = HFY_F_(round)(HFY_F_(mul)(x, HFY_F_(set)(1.44269502f)));
    r = HFY_F_(fnma)(*n, HFY_F_(set)(0.693359375f), x);
    r = HFY_F_(add)(HFY_F_(fnma)(*n, HFY_F_(set)(-2.12194442e-4f), r), low);
    p = HFY_F_(set)(1.38145988e-3f);
    p = HFY_F_(fma)(p, r, HFY_F_(set)(8.36871658e-3f));
    p = HFY_F_(fma)(p, r, HFY_F_(set)(4.1668389e-2f));
    p = HFY_F_(fma)(p, r, HFY_F_(set)(0.166665211f));
    p = HFY_F_(fma)(p, r, HFY_F_(set)(0.49999994f));
    return HFY_F_(add)(HFY_F_(fma)(HFY_F_(mul)(r, r), p, r), HFY_F_(set)(1.0f));
}
/* least argument with a normal result, with a result above half the least denormal, largest with a finite result; how many
   powers of two the least denormal is down */
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
    const HFY_D_(vec) by = HFY_D_(set)(a);
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        HFY_V_(vec) v = HFY_V_(load)(y + i);
#ifdef HFY_DOUBLE
        v = HFY_D_(mul)(by, v);
#else
        v = HFY_F_(join)(HFY_D_(mul)(by, HFY_F_(low)(v)), HFY_D_(mul)(by, HFY_F_(high)(v)));
#endif
        HFY_V_(store)(y + i, v);
    }
    for (; i < n; i++) y[i] = (HFY_S_)(a * (double)y[i]);
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
HFY_INLINE_ HFY_D_(vec) HFY_D_(powers1)(HFY_D_(vec) d, HFY_D_(vec) u, HFY_D_(vec) e, HFY_D_(vec) *sum, HFY_D_(vec) *slope)
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
                                                            HFY_D_(powers)};
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
        hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "work->isa is %s, which this machine or build has not; 0 picks the best",
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
   >>sim.impl   scores of queries against keys
   May call: simd.   Numerics: distances are summed from differences, not from norms and dots, so near matches keep their
   digits; beta multiplies in double.
   ------------------------------------------------------------------------------------------------------------------ */

/* 1/|x_i|, 0 for the zero vector: what COSINE needs. */
HFY_PRIVATE_ void hfy_sim_inverse_norms_(const hfy_simd_ *simd, const hfy_real *x, size_t stride, size_t rows, size_t dim,
                                         double *inverse)
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
HFY_PRIVATE_ double hfy_sim_cosine_(const hfy_real *x, double inverse_x, const hfy_real *q, double inverse_q, size_t dim)
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
                       : (hfy_real)(beta * hfy_sim_cosine_(x + i * x_stride, inverse_x[i], q + j * q_stride, inverse_q[j], dim));
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
        status = hfy_base_fail_(w, HFY_ERR_ARG, "key_stride is %z; it should be 0 or at least dim, %z", key_stride, dim);
    else if (!hfy_base_fits_(count, key_stride ? key_stride : dim, sizeof *keys) ||
             !hfy_base_fits_(n_queries, count > dim ? count : dim, sizeof *keys))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "count %z, dim %z, n_queries %z: an array of that size cannot exist", count,
                                dim, n_queries);
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
        hfy_sim_tile_(simd, sim, beta, keys, key_stride, count, inverse_x, queries, dim, n_queries, inverse_q, dim, scores,
                      count);
    }
    return hfy_base_close_(w, &local, status);
}

/* ------------------------------------------------------------------------------------------------------------------
   >>sep.impl   from scores to weights: rows x n in, rows x n out
   May call: base, simd.
   Numerics: every threshold is solved in double and in distances from the maximum, d_i = max(theta) - theta_i, never in the
   scores themselves, so large scores lose nothing. Only scores within the margin can get weight: a row is first cut down to
   that window. Newton's method starts right of the root of a convex increasing function and walks down to it, dropping the
   entries that reach 0; they never come back. Jensen's inequality gives a start that is exact when all scores are equal.

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
    size_t *open;   /* n: BOX, entries not yet classified */
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
            return full->alpha < 1.5 ? (full->alpha > 1 ? HFY_SEP_BY_TSALLIS_ : HFY_SEP_BY_SOFTMAX_) : HFY_SEP_BY_SQUARE_;
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
            return hfy_base_fail_(work, HFY_ERR_ARG, "%sdegree is %g; it should be above 1 and finite", where, full.degree);
        if (full.kind == HFY_SEP_KSUBSETS && !(full.rho > 0 && hfy_base_is_finite_(full.rho)))
            return hfy_base_fail_(work, HFY_ERR_ARG, "%srho is %g; it should be above 0 and finite", where, full.rho);
        if (full.kind == HFY_SEP_KSUBSETS && !(full.k > 0 && full.k <= (double)n) && !full.upper)
            return hfy_base_fail_(work, HFY_ERR_ARG, "%sk is %g; it should be above 0 and at most n, %z", where, full.k, n);
        if (full.kind == HFY_SEP_KSUBSETS && !(full.k > 0 && hfy_base_is_finite_(full.k)))
            return hfy_base_fail_(work, HFY_ERR_ARG, "%sk is %g; it should be above 0 and finite", where, full.k);
        if (full.kind == HFY_SEP_ARGMAX && !(full.k >= 1 && full.k <= (double)n && !(floor(full.k) < full.k)))
            return hfy_base_fail_(work, HFY_ERR_ARG, "%sk is %g; it should be a whole number from 1 to n, %z", where, full.k,
                                  n);
        if (hfy_sep_has_bounds_(&full)) {
            size_t r, i, bound_rows = full.bound_stride ? rows : hfy_base_min_(rows, 1);
            if (full.bound_stride && full.bound_stride < n)
                return hfy_base_fail_(work, HFY_ERR_ARG, "%sbound_stride is %z; it should be 0 or at least n, %z", where,
                                      full.bound_stride, n);
            if (!hfy_base_fits_(bound_rows, full.bound_stride, sizeof(double)))
                return hfy_base_fail_(work, HFY_ERR_ARG, "%sbound_stride is %z: %z rows of it cannot exist", where,
                                      full.bound_stride, rows);
            for (r = 0; r < bound_rows; r++)
                for (i = 0; i < n; i++) {
                    size_t at = r * full.bound_stride + i;
                    double low = full.lower ? full.lower[at] : 0;
                    double high = full.upper ? full.upper[at] : full.kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VAL;
                    if (!(low >= 0 && low <= high && hfy_base_is_finite_(low)))
                        return hfy_base_fail_(work, HFY_ERR_ARG,
                                              "%sbounds: those of entry %z in row %z are %g and %g; 0 <= lower <= upper should hold",
                                              where, i, r, low, high);
                }
        }
    }
    return HFY_OK;
}

/* Takes the arrays that any link of the chain needs. own_row: a prediction is wanted besides the caller's array. */
HFY_PRIVATE_ void hfy_sep_plan_(hfy_base_arena_ *arena, const hfy_simd_ *simd, const hfy_sep *sep, size_t n, int own_row,
                                hfy_sep_scratch_ *s)
{
    int list = 0, sorts = 0, powers = 0, box = 0, plus = sep->plus != NULL;
    for (; sep; sep = sep->plus) {
        hfy_sep full = hfy_sep_resolve_(sep);
        hfy_sep_method_ method = hfy_sep_method_of_(&full);
        list |= method >= HFY_SEP_BY_LINE_;
        sorts |= method == HFY_SEP_BY_STEEP_ || method == HFY_SEP_BY_MAXNORM_ || method == HFY_SEP_BY_TOP_ ||
                 method == HFY_SEP_BY_BOX_;
        powers |= method == HFY_SEP_BY_TSALLIS_ || method == HFY_SEP_BY_NORM_;
        box |= method == HFY_SEP_BY_BOX_;
    }
    s->index = (size_t *)hfy_base_take_(arena, list ? n : 0, sizeof *s->index);
    s->weight = (double *)hfy_base_take_(arena, list ? n : 0, sizeof *s->weight);
    s->sorted = (double *)hfy_base_take_(arena, sorts ? n : 0, sizeof *s->sorted);
    s->open = (size_t *)hfy_base_take_(arena, box ? n : 0, sizeof *s->open);
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

/* alpha-entmax, alpha > 2: infinite slopes where an entry enters the support. So find the support first, from the sorted
   distances, then solve for its smallest weight u: p_i = (u^a + D_k - D_i)^(1/a), D = a d. */
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

/* gamma-normmax: t with |(t - d)_+|_e = 1, e = gamma/(gamma-1); p ~ (t - d)_+^(1/(gamma-1)). Scaled by the largest entry t so
   that nothing underflows as gamma -> 1. (HFY Algorithm 4 with its exponent mended, eq. 30-33) */
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

/* gamma = infinity: uniform over the top m, the first m at which the sum of the gaps down to the next score reaches 1. */
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

/* min 1/2|y - v|^2 over lower <= y <= upper, sum y = budget: y = clip(v - tau, lower, upper). s->index and s->weight hold the
   entries and their v. The sum falls in tau with corners at v - upper and v - lower: random corners halve the bracket of tau
   until no corner is left inside, each time over the entries still open only: expected O(count). lower, upper: by entry
   index, NULL = 0 and `cap`. */
HFY_PRIVATE_ hfy_status hfy_sep_box_(hfy_sep_scratch_ *s, const double *lower, const double *upper, double cap, double budget)
{
    double left = -HUGE_VAL, right = HUGE_VAL; /* sum(left) >= budget > sum(right) */
    double fixed = 0, free_v = 0, floor_sum = 0, cap_sum = 0, tau = 0;
    size_t open = s->count, free_count = 0, i;
    uint64_t dice = UINT64_C(0x2545F4914F6CDD1D);
    for (i = 0; i < s->count; i++) {
        floor_sum += lower ? lower[s->index[i]] : 0;
        cap_sum += upper ? upper[s->index[i]] : cap;
        s->open[i] = i;
    }
    if (floor_sum > budget + 1e-9 * (budget > 1 ? budget : 1) || cap_sum < budget - 1e-9 * (budget > 1 ? budget : 1))
        return HFY_ERR_INFEASIBLE;
    if (cap_sum <= budget || floor_sum >= budget) { /* rounding of repeated subtraction is forgiven */
        int full = cap_sum <= budget;
        for (i = 0; i < s->count; i++) {
            size_t at = s->index[i];
            s->weight[i] = full ? (upper ? upper[at] : cap) : lower ? lower[at] : 0;
        }
        return HFY_OK;
    }
    while (open) {
        size_t entry, kept = 0;
        double low, high, v, pivot, sum;
        dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
        entry = s->open[(size_t)(dice % open)];
        v = s->weight[entry];
        low = lower ? lower[s->index[entry]] : 0;
        high = upper ? upper[s->index[entry]] : cap;
        pivot = v - high; /* one of its corners that is inside the bracket */
        if (!(pivot > left && pivot < right) || ((dice >> 40) & 1 && v - low > left && v - low < right)) pivot = v - low;
        if (pivot > left && pivot < right) {
            sum = fixed + free_v - (double)free_count * pivot;
            for (i = 0; i < open; i++) {
                double y = s->weight[s->open[i]] - pivot;
                size_t at = s->index[s->open[i]];
                low = lower ? lower[at] : 0;
                high = upper ? upper[at] : cap;
                sum += y < low ? low : y > high ? high : y;
            }
            if (sum >= budget)
                left = pivot;
            else
                right = pivot;
        }
        for (i = 0; i < open; i++) {
            size_t at = s->index[s->open[i]];
            v = s->weight[s->open[i]];
            low = lower ? lower[at] : 0;
            high = upper ? upper[at] : cap;
            if (v - high >= right) {
                fixed += high;
            } else if (v - low <= left) {
                fixed += low;
            } else if (v - high <= left && v - low >= right) {
                free_v += v;
                free_count++;
            } else {
                s->open[kept++] = s->open[i];
            }
        }
        open = kept;
    }
    { /* tau from fresh sums in ascending order, so that the path of the search leaves no trace */
        double sum = 0, lost = 0;
        free_count = 0;
        for (i = 0; i < s->count; i++) {
            double v = s->weight[i], low = lower ? lower[s->index[i]] : 0, high = upper ? upper[s->index[i]] : cap;
            double term = v - high >= right ? high : v - low <= left ? low : v, next = sum + term;
            free_count += !(v - high >= right) && !(v - low <= left);
            lost += fabs(sum) >= fabs(term) ? (sum - next) + term : (term - next) + sum; /* Neumaier */
            sum = next;
        }
        if (free_count) tau = (sum - budget + lost) / (double)free_count;
        for (i = 0; i < s->count; i++) {
            double v = s->weight[i], low = lower ? lower[s->index[i]] : 0, high = upper ? upper[s->index[i]] : cap;
            double y = v - tau, snap = 4e-16 * (1 + fabs(v) + fabs(tau)); /* exact bounds make exact retrieval */
            if (v - high >= right || y >= high - snap)
                y = high;
            else if (v - low <= left || y <= low + snap)
                y = low;
            s->weight[i] = y;
        }
    }
    return HFY_OK;
}

/* k-subsets without bounds, from the scores in s->weight: only those within rho of the ceil(k)-th best can be fractional. */
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
    status = hfy_sep_box_(s, NULL, NULL, 1, k - (double)ones);
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
    double budget = full->k, cap = full->kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VAL;
    size_t i, at, kept = 0;
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
    if (budget < 0) {
        if (budget < -1e-9 * (full->k > 1 ? full->k : 1)) return HFY_ERR_INFEASIBLE;
        budget = 0;
    }
    status = hfy_sep_box_(s, lower, upper, cap, budget);
    if (status) return status;
    if (lower) { /* put the masked ones back in their places: from the end, where there is room */
        size_t have = s->count;
        for (i = n; i--;) {
            if (have && s->index[have - 1] == i) {
                have--;
                s->sorted[i] = s->weight[have];
            } else {
                s->sorted[i] = lower[i];
            }
        }
        for (i = 0, kept = 0; i < n; i++)
            if (s->sorted[i] > 0) {
                s->weight[kept] = s->sorted[i];
                s->index[kept++] = i;
            }
    } else {
        for (at = 0; at < s->count; at++)
            if (s->weight[at] > 0) {
                s->weight[kept] = s->weight[at];
                s->index[kept++] = s->index[at];
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

/* Solves a window: s->index ascending, s->weight the distances from the top below the margin; kinds on the k-th best: the
   scores themselves of everything that is not masked. Both become the solution. */
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

/* Solves one row of a list kind; `row` chooses its bounds. theta is only read. */
HFY_PRIVATE_ hfy_status hfy_sep_list_(const hfy_sep *full, const hfy_real *theta, size_t n, size_t row, hfy_sep_scratch_ *s)
{
    hfy_status status = hfy_sep_top_(s->simd, theta, n, &s->top);
    double margin = hfy_sep_link_margin_(full);
    size_t i;
    if (status) return status;
    if (hfy_sep_has_bounds_(full)) return hfy_sep_bounded_(full, theta, n, row, s);
    if (hfy_sep_by_rank_(full)) {
        for (i = 0, s->count = 0; i < n; i++) {
            if (hfy_base_is_neg_inf_((double)theta[i])) continue;
            s->index[s->count] = i;
            s->weight[s->count++] = (double)theta[i];
        }
    } else {
        s->count = s->simd->window(theta, n, (hfy_real)s->top, margin < DBL_MAX ? margin : DBL_MAX, s->index, s->weight);
    }
    return hfy_sep_solve_(full, s);
}

/* The same from candidates found before: s->index ascending, s->weight their scores. They hold at least all that can matter:
   what lies within the margin of the best, or of the k-th best. */
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

/* Omega of one row of weights, +infinity outside its domain: y[0..n), or a list (y NULL) of n weights at these indices. */
HFY_PRIVATE_ double hfy_sep_omega_(const hfy_sep *full, const hfy_real *y, const double *list, const size_t *index, size_t n,
                                   size_t row)
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
HFY_PRIVATE_ hfy_status hfy_sep_omega_star_(const hfy_sep *full, const hfy_real *theta, size_t n, size_t row, double *value,
                                            hfy_sep_scratch_ *s)
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
HFY_PRIVATE_ hfy_status hfy_sep_conjugate_(const hfy_sep *sep, const hfy_real *theta, size_t n, size_t row, double *value,
                                           hfy_sep_scratch_ *s)
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

/* Omega(y) + Omega*(theta) - theta.y of one row, without cancellation: kinds of fixed sum in distances from the top against
   the prediction as it rounds to hfy_real, elementwise kinds term by term. So the prediction itself has loss exactly 0. */
HFY_PRIVATE_ hfy_status hfy_sep_loss_(const hfy_sep *full, const hfy_real *theta, const hfy_real *y, size_t n, size_t row,
                                      double *value, hfy_sep_scratch_ *s)
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
    if (d_alpha) { /* spec 2: p o g - s sum(p o g)/sum s, with g free of cancellation at alpha = 1 */
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
        double t = pow(power, -1 / e), log_t = log(t), num = 0, den = 0, mu, sum_u = 0, sum_du = 0, along_du = 0, along_u = 0;
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
HFY_PRIVATE_ void hfy_sep_row_vjp_(const hfy_sep *full, const hfy_real *theta, const hfy_real *y, const hfy_real *v, size_t n,
                                   size_t row, hfy_real *out, double *d_alpha, double *d_gamma, double *d_upper,
                                   double *d_lower)
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

/* The same for a chain: the products of its links add up; each link's own prediction is made again from theta. In s: sum
   and row. Rows that cannot be answered give 0. */
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
                return hfy_base_fail_(work, status, "%s %z: entry %z is %g; scores should be finite or -infinity", what, row,
                                      i, v);
        }
        return hfy_base_fail_(work, status, "%s %z: NaN or infinity where a number should be", what, row);
    case HFY_ERR_ARG:
        return hfy_base_fail_(work, status, "%s %z: too few scores are not masked; at least 1, and k, should be left", what,
                              row);
    case HFY_ERR_INFEASIBLE:
        return hfy_base_fail_(work, status, "%s %z: within their bounds its unmasked entries cannot sum to 1 (KSUBSETS: k)",
                              what, row);
    default:
        return hfy_base_fail_(work, status, "%s %z: the result is beyond the range of the number type", what, row);
    }
}

/* Arguments that all functions share. Names the first array that is NULL. */
HFY_PRIVATE_ hfy_status hfy_sep_check_rows_(const hfy_sep *sep, size_t rows, size_t n, const char *missing, hfy_work *work)
{
    if (!sep) return hfy_base_fail_(work, HFY_ERR_ARG, "sep is NULL");
    if (!n) return hfy_base_fail_(work, HFY_ERR_ARG, "n is 0; it should be at least 1");
    if (!hfy_base_fits_(rows, n, sizeof(double)))
        return hfy_base_fail_(work, HFY_ERR_ARG, "rows %z times n %z: an array of that size cannot exist", rows, n);
    if (rows && missing) return hfy_base_fail_(work, HFY_ERR_ARG, "%s is NULL", missing);
    return hfy_sep_check_(sep, rows, n, "sep->", work);
}

HFY_API hfy_status hfy_sep_apply(const hfy_sep *sep, const hfy_real *theta, size_t rows, size_t n, hfy_real *y, hfy_work *work)
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

HFY_API hfy_status hfy_sep_vjp(const hfy_sep *sep, const hfy_real *theta, const hfy_real *y, const hfy_real *dy, size_t rows,
                               size_t n, const hfy_sep_grad *grad, hfy_work *work)
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
        none = hfy_sep_no_gradient_(&full, grad->alpha != NULL, grad->gamma != NULL, grad->upper != NULL, grad->lower != NULL);
        if (none)
            status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "grad->%s is set, but this separation has no such gradient", none);
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

HFY_API hfy_status hfy_sep_value(const hfy_sep *sep, const hfy_real *y, size_t rows, size_t n, double *omega, hfy_work *work)
{
    hfy_work local, *w = hfy_base_open_(work, &local);
    hfy_sep full;
    hfy_status status = hfy_sep_check_rows_(sep, rows, n, !y ? "y" : !omega ? "omega" : NULL, w);
    size_t i, j;
    if (!status && sep->plus)
        status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "sep->plus is set; an infimal convolution has no value in closed form");
    if (!status) {
        full = hfy_sep_resolve_(sep);
        for (j = 0; j < rows; j++) {
            for (i = 0; i < n && !hfy_base_is_nan_((double)y[j * n + i]);) i++;
            if (i == n)
                omega[j] = hfy_sep_omega_(&full, y + j * n, NULL, NULL, n, j);
            else if (!status)
                status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "y, row %z: entry %z is NaN; it should be a number", j, i);
        }
    }
    return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_sep_conjugate(const hfy_sep *sep, const hfy_real *theta, size_t rows, size_t n, double *omega_star,
                                     hfy_work *work)
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
        status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "sep->plus is set; the loss of a sum of energies is not offered");
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
   >>net.impl   the one walk:  q -> theta = beta sim(K, q) + bias -> p -> z = V^T p - c o q -> f(q) -> q + step (f(q) - q)
   May call: base, simd, sim, sep, post.
   Numerics: queries run in tiles that share one read of the keys; a query that stands still leaves its tile. Nothing of a
   query's arithmetic depends on its tile, nor on the number of workers: canonical dots, rows added in ascending order
   inside segments of the keys whose bounds depend on the net alone, segments added in ascending order.
   How a tile gets from scores to projections, in one pass over the keys unless the report asks for all the weights:
     lists   a separation with a margin: keep the candidates within the margin of the best score so far (or of the k-th
             best), solve on those, add the rows of the support. The same bits as `plain`.
     sums    SOFTMAX, EXP, IDENTITY, POWER: running maximum, rescaled sums. Equal to `plain` up to rounding.
     plain   whole rows of scores, in tiles of few queries
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_NET_TILE_ 64                  /* queries of a tile at most */
#define HFY_NET_TILE_BYTES_ (2048 * 1024) /* plain: bytes of scores at most, as long as that leaves a query */
#define HFY_NET_BLOCK_BYTES_ (128 * 1024) /* keys of a block: they stay in the cache between scores and projection */
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
    hfy_net_mode_ mode;
    int needs_step;    /* 0: one step into a readout that asks for nothing else: no projection onto values */
    int exponential;   /* sums: SOFTMAX or EXP */
    int by_rank;       /* lists: candidates count from the k-th best */
    double margin;     /* lists: how far below */
    double negligible; /* sums: weights this far below the running maximum add nothing: -log */
    size_t tile;       /* queries of a tile */
    size_t block;      /* rows of a block */
    size_t segment;    /* rows of a segment: whole blocks */
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
} hfy_net_stream_;

/* What one tile works in. */
typedef struct hfy_net_scratch_ {
    hfy_sep_scratch_ sep;
    hfy_post_scratch_ post;
    hfy_net_stream_ *stream; /* workers */
    hfy_net_list_ *list;     /* lists: tile */
    hfy_net_sum_ *sum;       /* sums: tile */
    hfy_real *scores;        /* plain: tile x N: scores, then weights of kinds that fill */
    hfy_real *weight;        /* lists, and plain lists: N, a list's weights */
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

HFY_PRIVATE_ hfy_status hfy_net_bad_size_(hfy_work *work, const char *what, size_t value, const char *wanted, size_t bound)
{
    return hfy_base_fail_(work, HFY_ERR_ARG, "net->%s is %z; it should be %s %z", what, value, wanted, bound);
}

HFY_PRIVATE_ hfy_status hfy_net_too_large_(hfy_work *work, const char *what, size_t value, const char *times, size_t rows)
{
    return hfy_base_fail_(work, HFY_ERR_ARG, "net->%s is %z: with a %s of %z such an array cannot exist", what, value, times,
                          rows);
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
    if (full->key_stride < net->dim) return hfy_net_bad_size_(work, "key_stride", net->key_stride, "0 or at least dim,", net->dim);
    if (!net->values) {
        full->values = net->keys;
        full->value_stride = full->key_stride;
    }
    if (!full->value_stride) full->value_stride = net->dim;
    if (full->value_stride < net->dim)
        return hfy_net_bad_size_(work, "value_stride", net->value_stride, "0 or at least dim,", net->dim);
    if (!net->readout) full->readout_dim = full->readout_stride = 0;
    if (net->readout && !net->readout_dim) return hfy_net_bad_size_(work, "readout_dim", 0, "with a readout at least", 1);
    if (net->readout && !full->readout_stride) full->readout_stride = full->readout_dim;
    if (full->readout_stride < full->readout_dim)
        return hfy_net_bad_size_(work, "readout_stride", net->readout_stride, "0 or at least readout_dim,", net->readout_dim);
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
        return hfy_base_fail_(work, HFY_ERR_ARG, "net->beta is %g; it should be above 0 and finite, or 0 for the default",
                              net->beta);
    if (!(net->beta > 0))
        full->beta = net->sim == HFY_SIM_DOT && hfy_net_on_polytope_(&net->sep) ? 1 / sqrt((double)net->dim) : 1;
    if (!(net->step >= 0 && net->step <= 1))
        return hfy_base_fail_(work, HFY_ERR_ARG, "net->step is %g; it should be above 0 and at most 1, or 0 for 1", net->step);
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
        return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->sim is not HFY_SIM_DOT; only dot products have an energy");
    if (full->values != full->keys || full->value_stride != full->key_stride)
        return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->values are not the keys; such a net has no energy");
    return hfy_post_has_energy_(&full->post, full->dim, scratch, work);
}

/* The longest row that a projection makes. */
HFY_PRIVATE_ size_t hfy_net_width_(const hfy_net *net) { return net->dim > net->readout_dim ? net->dim : net->readout_dim; }

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
    size_t one_pass = run->mode != HFY_NET_PLAIN_, lists = run->mode == HFY_NET_LISTS_;
    t->scores = (hfy_real *)hfy_base_take_(arena, one_pass * hfy_base_times_(run->tile, run->block), sizeof(hfy_real));
    t->at = (size_t *)hfy_base_take_(arena, lists * run->block, sizeof(size_t));
    t->distance = (double *)hfy_base_take_(arena, lists * (run->block > run->capacity ? run->block : run->capacity),
                                           sizeof(double));
    t->sum = (hfy_net_sum_ *)hfy_base_take_(arena, run->tile, sizeof(hfy_net_sum_));
    t->z = (hfy_real *)hfy_base_take_(arena, !lists * hfy_base_times_(run->tile, hfy_net_width_(&run->net)), sizeof(hfy_real));
    t->list = lists ? hfy_net_plan_lists_(arena, run) : NULL;
}

/* energies: the plan is for a call that evaluates energies too. */
HFY_PRIVATE_ void hfy_net_plan_(hfy_base_arena_ *arena, const hfy_net_run_ *run, int energies, hfy_net_scratch_ *s)
{
    const hfy_net *net = &run->net;
    size_t t = run->tile, i, plain = run->mode == HFY_NET_PLAIN_, lists = (size_t)hfy_sep_is_list_(&run->sep);
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
    s->list = run->mode == HFY_NET_LISTS_ ? hfy_net_plan_lists_(arena, run) : NULL;
    s->sum = (hfy_net_sum_ *)hfy_base_take_(arena, t, sizeof *s->sum);
    s->scores = (hfy_real *)hfy_base_take_(arena, plain * hfy_base_times_(t, net->count), sizeof(hfy_real));
    s->weight = (hfy_real *)hfy_base_take_(arena, lists * net->count, sizeof(hfy_real));
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
    s->mark = (hfy_real *)hfy_base_take_(arena, net->max_steps > 2 ? hfy_base_times_(t, net->dim) : 0, sizeof(hfy_real));
    s->marked = (size_t *)hfy_base_take_(arena, t, sizeof(size_t));
    s->cycle = (size_t *)hfy_base_take_(arena, t, sizeof(size_t));
    s->status = (hfy_status *)hfy_base_take_(arena, t, sizeof(hfy_status));
    s->ended = (unsigned char *)hfy_base_take_(arena, t, 1);
    s->made = 0;
}

/* --- the four steps --- */

/* Scores of nq queries, standing one after another, against keys from .. from+n-1; no bias yet. */
HFY_PRIVATE_ void hfy_net_scores_(const hfy_net_run_ *run, const hfy_real *q, size_t nq, const double *inverse_q, size_t from,
                                  size_t n, hfy_real *scores, size_t score_stride)
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

/* z += the n weighted rows from .. of nq queries, segment by segment: the order of the sums in every mode. part: nq x width. */
HFY_PRIVATE_ void hfy_net_project_(const hfy_net_run_ *run, const hfy_real *weight, size_t weight_stride, size_t nq,
                                   const hfy_real *rows, size_t stride, size_t width, hfy_real *part, hfy_real *z)
{
    size_t from, i, n = run->net.count;
    hfy_net_zero_(z, nq * width);
    for (from = 0; from < n; from += run->segment) {
        hfy_net_zero_(part, nq * width);
        run->simd->combine(weight + from, weight_stride, nq, rows + from * stride, stride, hfy_base_min_(run->segment, n - from),
                           width, part, width);
        for (i = 0; i < nq * width; i++) z[i] += part[i];
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
    return list->top - theta < margin || theta >= list->top;
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
HFY_PRIVATE_ void hfy_net_append_(const hfy_net_run_ *run, hfy_net_list_ *list, size_t index, double theta, double *scratch)
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
HFY_PRIVATE_ void hfy_net_collect_(const hfy_net_run_ *run, hfy_net_list_ *list, const hfy_real *theta, size_t from, size_t n,
                                   hfy_net_stream_ *t)
{
    size_t i, found;
    double top;
    hfy_status status = hfy_sep_top_(run->simd, theta, n, &top);
    if (status == HFY_ERR_ARG || list->status || list->overflow) return; /* all of the block is masked, or it is no use */
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
HFY_PRIVATE_ int hfy_net_weigh_(const hfy_net_run_ *run, hfy_net_sum_ *sum, hfy_real *theta, size_t from, size_t n, hfy_real *z,
                                size_t width)
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
    for (; from < to; from += n) {
        int any = 0;
        n = hfy_base_min_(run->block, to - from);
        hfy_net_scores_(run, round->q, round->nq, round->inverse_q, from, n, t->scores, run->block);
        for (j = 0; j < round->nq; j++) {
            hfy_real *theta = t->scores + j * run->block;
            hfy_net_mask_(&run->net, round->who[j], from, n, theta);
            if (run->mode == HFY_NET_LISTS_)
                hfy_net_collect_(run, t->list + j, theta, from, n, t);
            else
                any |= hfy_net_weigh_(run, t->sum + j, theta, from, n, t->z + j * round->width, round->width);
        }
        if (any)
            run->simd->combine(t->scores, run->block, round->nq, round->rows + from * round->stride, round->stride, n,
                               round->width, t->z, round->width);
    }
}

/* Streams the keys past nq queries. lists: leaves the candidates in s->list. sums: leaves sum and z, nq x width, divided by
   the sum for SOFTMAX. */
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

/* The candidates of the query in place j, solved into s->sep. A list that overflowed is made again where there is room for
   all keys: the separation's own arrays. */
HFY_PRIVATE_ hfy_status hfy_net_solve_list_(const hfy_net_run_ *run, size_t j, hfy_net_scratch_ *s)
{
    hfy_net_list_ *list = s->list + j, all;
    hfy_net_stream_ *t = s->stream;
    if (list->status) return list->status;
    if (list->overflow) {
        size_t from, n, limit = run->net.visible ? hfy_base_min_(run->net.visible[s->who[j]], run->net.count) : run->net.count;
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
    return hfy_sep_candidates_(&run->sep, &s->sep);
}

/* The list's weights in hfy_real. */
HFY_PRIVATE_ void hfy_net_round_weights_(const hfy_sep_scratch_ *sep, hfy_real *weight)
{
    size_t i;
    for (i = 0; i < sep->count; i++) weight[i] = (hfy_real)sep->weight[i];
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

/* The heaviest weight after `previous` in the order of the list of the heaviest (descending, ties by position); SIZE_MAX as
   previous asks for the first, as an answer it means that no nonzero weight is left. */
HFY_PRIVATE_ size_t hfy_net_next_heaviest_(const hfy_real *weight, size_t count, size_t previous)
{
    size_t i, choice = SIZE_MAX;
    for (i = 0; i < count; i++) {
        if (!(weight[i] > 0 || weight[i] < 0)) continue;
        if (previous != SIZE_MAX && (weight[i] > weight[previous] || (!(weight[i] < weight[previous]) && i <= previous)))
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
    size_t i, l, support = 0, best = 0;
    if (report->best || report->support) {
        for (i = 0; i < count; i++) {
            support += weight[i] > 0 || weight[i] < 0;
            if (weight[i] > weight[best]) best = i;
        }
        if (report->best) report->best[who] = index ? index[best] : best;
        if (report->support) report->support[who] = support;
    }
    if (report->top_index || report->top_weight) {
        size_t at = SIZE_MAX;
        for (l = 0; l < report->top; l++) {
            if (l == 0 || at != SIZE_MAX) at = hfy_net_next_heaviest_(weight, count, at);
            if (report->top_index) report->top_index[who * report->top + l] = at == SIZE_MAX || !index ? at : index[at];
            if (report->top_weight)
                report->top_weight[who * report->top + l] = at == SIZE_MAX ? 0 : hfy_net_rescaled_(weight[at], log_scale);
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

/* Has the query in place j been in this state before? (Brent: compare with a marked state, mark anew at powers of two.) A
   cycle within a few last bits is standing still as well as it can: 1, stop. Around a wider one the walk is cut short by
   whole turns, which changes nothing: the map is deterministic. */
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

/* The second half of a step for the query in place j: its weights are given (index NULL: all N; weight NULL: nobody asks)
   and its projection is in z. Post-transformation, move, and, if it stands still or this was the last step, answer and
   report. read: its readout is in s->out already. projected: 0 in a last step whose new state nobody wants. */
HFY_PRIVATE_ void hfy_net_settle_(const hfy_net_run_ *run, const hfy_report *report, size_t j, const size_t *index,
                                  const hfy_real *weight, size_t count, int projected, int read, hfy_real *out, hfy_real *path,
                                  hfy_net_scratch_ *s)
{
    const hfy_net *net = &run->net;
    size_t dim = net->dim, who = s->who[j], out_dim = net->readout ? net->readout_dim : dim;
    hfy_real *q = s->q + j * dim, *z = s->z + j * dim, *gathered = s->out + j * net->readout_dim;
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
        hfy_net_zero_(gathered, out_dim);
        if (index)
            run->simd->gather(index, weight, count, net->readout, net->readout_stride, out_dim, gathered);
        else if (weight)
            hfy_net_project_(run, weight, count, 1, net->readout, net->readout_stride, out_dim, s->stream->z, gathered);
        else { /* it stands still before its time: once more from the state that this step began with */
            hfy_net_sum_ sum;
            hfy_net_stream_keys_(run, s->before + j * dim, s->who + j, 1, s->inverse_q ? s->inverse_q + j : NULL, net->readout,
                                 net->readout_stride, out_dim, &sum, gathered, s);
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
            if (kept < j && s->mark && s->marked[j]) memcpy(s->mark + kept * dim, s->mark + j * dim, dim * sizeof *s->mark);
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
HFY_PRIVATE_ void hfy_net_admit_(const hfy_net_run_ *run, const hfy_real *queries, size_t who, size_t j, hfy_net_scratch_ *s)
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
    size_t j, dim = net->dim;
    if (run->mode == HFY_NET_SUMS_) {
        if (read)
            hfy_net_stream_keys_(run, s->q, s->who, live, s->inverse_q, net->readout, net->readout_stride, net->readout_dim,
                                 s->sum, s->out, s);
        if (project)
            hfy_net_stream_keys_(run, s->q, s->who, live, s->inverse_q, net->values, net->value_stride, dim, s->sum, s->z, s);
        for (j = 0; j < live; j++) {
            s->status[j] = s->sum[j].status;
            s->log_scale[j] = run->sep.kind == HFY_SEP_EXP ? s->sum[j].top : 0;
            if (!s->status[j]) hfy_net_settle_(run, report, j, NULL, NULL, 0, project, read, out, path, s);
        }
        return;
    }
    hfy_net_stream_keys_(run, s->q, s->who, live, s->inverse_q, NULL, 0, 0, NULL, NULL, s);
    for (j = 0; j < live; j++) {
        s->log_scale[j] = 0;
        s->status[j] = hfy_net_solve_list_(run, j, s);
        if (s->status[j]) continue;
        hfy_net_round_weights_(&s->sep, s->weight);
        if (project) {
            hfy_net_zero_(s->z + j * dim, dim);
            run->simd->gather(s->sep.index, s->weight, s->sep.count, net->values, net->value_stride, dim, s->z + j * dim);
        }
        hfy_net_settle_(run, report, j, s->sep.index, s->weight, s->sep.count, project, 0, out, path, s);
    }
}

/* The same with whole rows of scores. */
HFY_PRIVATE_ void hfy_net_plainly_(const hfy_net_run_ *run, size_t live, int project, int read, hfy_real *out,
                                   const hfy_report *report, hfy_real *path, hfy_net_scratch_ *s)
{
    const hfy_net *net = &run->net;
    size_t j, dim = net->dim, n = net->count;
    int list = hfy_sep_is_list_(&run->sep);
    hfy_net_scores_(run, s->q, live, s->inverse_q, 0, n, s->scores, n);
    for (j = 0; j < live; j++) {
        hfy_real *theta = s->scores + j * n, *z = s->z + j * dim;
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
        hfy_net_round_weights_(&s->sep, s->weight);
        if (project) {
            hfy_net_zero_(z, dim);
            run->simd->gather(s->sep.index, s->weight, s->sep.count, net->values, net->value_stride, dim, z);
        }
        hfy_net_settle_(run, report, j, s->sep.index, s->weight, s->sep.count, project, 0, out, path, s);
    }
    if (list) return;
    for (j = 0; j < live; j++) {
        hfy_real *theta = s->scores + j * n;
        if (!s->ended[j])
            s->status[j] = hfy_sep_fill_(&run->sep, theta, n, s->who[j], theta, &s->log_scale[j], &s->sep);
        if (s->ended[j] || s->status[j]) memset(theta, 0, n * sizeof *theta); /* takes no part below */
    }
    if (project) hfy_net_project_(run, s->scores, n, live, net->values, net->value_stride, dim, s->stream->z, s->z);
    if (read)
        hfy_net_project_(run, s->scores, n, live, net->readout, net->readout_stride, net->readout_dim, s->stream->z, s->out);
    for (j = 0; j < live; j++)
        if (!s->ended[j] && !s->status[j])
            hfy_net_settle_(run, report, j, NULL, s->scores + j * n, n, project, read, out, path, s);
}

/* Runs queries first .. last-1 to their end; a place that falls free is taken by the next query. out may be NULL. path (one
   query only): its states, (max_steps+1) x D. A query without an answer lowers *failed to its number and leaves its status
   in *failure. */
HFY_PRIVATE_ void hfy_net_walk_(const hfy_net_run_ *run, const hfy_real *queries, size_t first, size_t last, hfy_real *out,
                                const hfy_report *report, hfy_real *path, size_t *failed, hfy_status *failure,
                                hfy_net_scratch_ *s)
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
        return hfy_base_fail_(work, status, "query %z: NaN or infinity in it, its scores or its new state; all should be finite",
                              who);
    return hfy_sep_row_failed_(work, status, "query", who, NULL, 0);
}

/* Checks a call's net, chooses kernels, mode and sizes. whole_rows: the call wants weights, energies or the like. Returns
   how many walks share the queries, through *walks. */
HFY_PRIVATE_ hfy_status hfy_net_begin_(const hfy_net *net, size_t n_queries, int needs_step, int whole_rows, int supports,
                                       hfy_net_run_ *run, size_t *walks, hfy_work *work)
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
    run->segment = run->block * (run->block < HFY_NET_SEGMENT_ ? HFY_NET_SEGMENT_ / run->block : 1);
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
    run->capacity = HFY_NET_LISTED_ / run->tile;
    return HFY_OK;
}

HFY_PRIVATE_ void hfy_net_plan_shared_(hfy_base_arena_ *arena, hfy_net_run_ *run)
{
    run->inverse_norms = (double *)hfy_base_take_(arena, run->net.sim == HFY_SIM_COSINE ? run->net.count : 0, sizeof(double));
}

HFY_PRIVATE_ void hfy_net_prepare_(hfy_net_run_ *run)
{
    if (run->net.sim == HFY_SIM_COSINE)
        hfy_sim_inverse_norms_(run->simd, run->net.keys, run->net.key_stride, run->net.count, run->net.dim, run->inverse_norms);
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
    hfy_net_walk_(call->run, call->queries, first, first + share + (i < rest), call->out, call->report, NULL, call->failed + i,
                  call->failure + i, call->scratch + i);
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
    hfy_status status = hfy_net_begin_(net, n_queries, needs_step, energies || (report && report->weights), supports, &run,
                                       &call.walks, w);
    size_t i, first = SIZE_MAX;
    int pass;
    if (!status && n_queries && (!queries || !out))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !queries ? "queries" : "out");
    if (!status && n_queries && net->readout && queries == out && net->readout_dim != net->dim)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "out is queries, but readout_dim %z is not dim %z", net->readout_dim, net->dim);
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
    if (!status && n_queries && (!q || !energy)) status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !q ? "q" : "energy");
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
        status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "net->sep.plus is set; a sum of energies has only its raw form");
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
            hfy_net_project_(&run, scratch.scores, n, 1, run.net.keys, run.net.key_stride, dim, scratch.stream->z, scratch.z);
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
    hfy_real *part;    /* D */
    double *dq;        /* D: cotangent of the state */
    double *sum;       /* D */
} hfy_net_back_;

HFY_PRIVATE_ void hfy_net_plan_back_(hfy_base_arena_ *arena, const hfy_net_run_ *run, hfy_net_back_ *b)
{
    size_t n = run->net.count, dim = run->net.dim;
    b->path = (hfy_real *)hfy_base_take_(arena, hfy_base_times_(hfy_base_plus_(run->net.max_steps, 1), dim), sizeof(hfy_real));
    b->theta = (hfy_real *)hfy_base_take_(arena, n, sizeof(hfy_real));
    b->y = (hfy_real *)hfy_base_take_(arena, n, sizeof(hfy_real));
    b->dy = (hfy_real *)hfy_base_take_(arena, n, sizeof(hfy_real));
    b->dz = (hfy_real *)hfy_base_take_(arena, dim, sizeof(hfy_real));
    b->df = (hfy_real *)hfy_base_take_(arena, dim, sizeof(hfy_real));
    b->part = (hfy_real *)hfy_base_take_(arena, dim, sizeof(hfy_real));
    b->dq = (double *)hfy_base_take_(arena, dim, sizeof(double));
    b->sum = (double *)hfy_base_take_(arena, dim, sizeof(double));
}

/* d sim(x, q): adds g times its gradients to dq and, unless NULL, to dx. score: sim(x, q) itself. */
HFY_PRIVATE_ void hfy_net_sim_vjp_(hfy_sim sim, const hfy_real *x, const hfy_real *q, size_t dim, double g, double score,
                                   double inverse_x, double inverse_q, double *dq, hfy_real *dx)
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

/* Through p = separation(beta sim(K, q) + bias): b->dy holds the cotangent of p, b->y is p, b->theta are the scores with
   their bias. Adds the state's part to b->dq and the parameters' to grad. */
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
        hfy_net_sim_vjp_(net->sim, x, q, dim, g * net->beta, score, run->inverse_norms ? run->inverse_norms[i] : 0, inverse_q,
                         b->dq, grad->keys ? grad->keys + i * net->key_stride : NULL);
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
            hfy_net_projection_vjp_(run, net->readout, net->readout_stride, net->readout_dim, dout + who * net->readout_dim,
                                    grad->readout, b);
        } else {
            hfy_net_project_(run, b->y, n, 1, net->values, net->value_stride, dim, b->part, s->z);
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
    run.capacity = HFY_NET_LISTED_;
    if (!status && n_queries && (!queries || !dout))
        status = hfy_base_fail_(w, HFY_ERR_ARG, "%s is NULL", !queries ? "queries" : "dout");
    if (!status && !grad) status = hfy_base_fail_(w, HFY_ERR_ARG, "grad is NULL");
    if (!status && grad->values && !net->values)
        status = hfy_base_fail_(w, HFY_ERR_ARG, "grad->values is set, but net->values is NULL: grad->keys receives their part");
    if (!status) {
        const char *none = hfy_sep_no_gradient_(&run.sep, grad->alpha != NULL, grad->gamma != NULL, 0, 0);
        if (none) status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "grad->%s is set, but net->sep has no such gradient", none);
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
#undef HFY_SIMD_BLOCK_
#undef HFY_SIMD_NOINLINE_
#undef HFY_SIMD_TINY_
#undef HFY_SIMD_X86_
#undef HFY_SIMD_NEON_
#undef HFY_LINALG_DEPTH_
#undef HFY_LINALG_WIDTH_
#undef HFY_LINALG_BAND_

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
