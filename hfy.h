/* hfy.h 0.1.0   associative memory in one C99 header: store patterns, hand it a broken one, get the whole one back
   SPDX-License-Identifier: MIT OR Unlicense   (your choice; both texts stand at the end of this file)

   DO THIS

       #define HFY_IMPLEMENTATION      in one source file only, before the include
       #include "hfy.h"

   and in every other source file the include alone. Link with -lm. There is nothing else to build, start or shut down.
   If one file alone uses it, define HFY_STATIC too: only what that file calls is compiled, in less than half the time.

   A COMPLETE PROGRAM          cc -std=c99 -O2 first.c -o first -lm && ./first

       #define HFY_STATIC
       #define HFY_IMPLEMENTATION
       #include "hfy.h"
       #include <stdio.h>

       int main(void) {
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
       structured Hopfield network           DOT        SEQUENCE_KSUBSETS         keys; readout        the same
                                                        SPARSEMAP
       classical Hopfield network            DOT        IDENTITY                  keys; self_coupling  SIGN TANH
       pseudo-inverse (projection) rule      DOT        IDENTITY                  values               SIGN
       polynomial, exponential dense memory  DOT        POWER EXP                 keys                 SIGN TANH
       hetero-associative memory             DOT        any                       readout or values    any, LINEAR
       sum of energies                       DOT        any, and sep.plus         keys                 any
       universal Hopfield network            the rest   any                       any                  any
       kernel memory, p = e^(-g|x-q|^2)      EUCLIDEAN  EXP, beta = 2g            values               SIGN
       graded rate network (hfy_rate_net)    DOT        IDENTITY                  values; step < 1     RECTIFIED_POWER
       The two rules' keys and values: hfy_binary_net; the kernel memory's: hfy_kernel_train, hfy_kernel_net.

   A sparse separation has a margin m (hfy_sep_margin): once one pattern scores m or more above all others it takes
   all the weight, and the answer is that pattern to the bit.

   Three levels:  hfy_retrieve runs the whole walk for many queries at once;  hfy_sim_scores, hfy_sep_apply and
   hfy_post_apply are its stages;  a hfy_work with your own buffer makes either of them run without allocation.
   Learning: hfy_retrieve_vjp, hfy_sep_vjp and hfy_post_vjp are the reverse-mode derivatives. Energies: hfy_energy, and
   their slopes, hfy_energy_gradient.
   Large memories: hfy_index_build prepares the keys once, and retrievals with a margin then read 4 to 40 times fewer
   bytes for the same bits; hfy_shard_find, _merge and _finish answer over patterns that lie in several places.
   Beside the walk: hfy_theory_ computes what is promised for a net (radii, capacities, error bounds), hfy_recall_ gives
   back one item after another, hfy_structure_ solves SparseMAP over structures of yours. Memories of other kinds:
   hfy_binary_ (bit by bit), hfy_kernel_ (trained, on packed bits), hfy_rate_ (graded patterns and their stability).

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
     HFY_ONLY_NET and the      not defined:    global            only these rooms (any of >>linalg to >>rate) and what
     like, for each room       all rooms                         they need, which >>rooms tells; several add up. The
                                                                 functions of other rooms are not declared; a net then
                                                                 refuses an index without HFY_ONLY_INDEX, a structured
                                                                 separation without HFY_ONLY_STRUCTURE
     HFY_FILE                  "hfy.h"         implementation    under which name hfy.h includes itself, once for each
                                                                 instruction set; define it if you renamed the file
     HFY_ISAS                  all             implementation    instruction sets to compile, as HFY_ISAS_SSE2 |
                                                                 HFY_ISAS_AVX2 (SCALAR, SSE2, AVX2, AVX512, NEON). The
                                                                 one that the compiler's target has (x86-64: SSE2) is
                                                                 always there; by default no vectors narrower than that
                                                                 (with -mavx2 no SSE2) and with -Os no AVX-512, smaller
                                                                 kernels of the same bits. AVX512 brings AVX2
     HFY_NO_SIMD               not defined     implementation    plain C kernels only, no intrinsics
     HFY_PLAIN                 not defined     implementation    hfy_retrieve is its definition (>>net.plain), one query
                                                                 at a time: the same bits (SOFTMAX, EXP: to rounding)
                                                                 from less code, slower; no index is looked at
     HFY_PARALLEL_FOR          not defined     implementation    your threads; see THREADS. Without it: OpenMP where the
     (n, body, context)                                          file is compiled for that (-fopenmp), else one thread
     HFY_WORKERS               8; OpenMP: its  implementation    how many tasks may run at once: an expression, taken
                               threads                           anew in each call. Scratch memory grows with it
     HFY_CBLAS                 not defined     implementation    matrix products by the BLAS of <cblas.h>
     HFY_SGEMM, HFY_DGEMM      not defined     implementation    or by functions of yours; arguments: see >>linalg.gemm.
                                                                 Used by linalg, theory, binary, kernel and rate, and by
                                                                 retrievals of 8 queries and more, whose bits then hang
                                                                 on the batch and on the BLAS

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
     row's status and report.status has each. A retrieval that stops at max_steps is no error: report.residual tells
     how far the query still moves. (hfy_rate_simulate and hfy_kernel_train are asked for a fixed point and an optimum:
     not to reach them is HFY_ERR_CONVERGENCE; what is written then is said there.) Nothing prints, asserts or aborts.

   THREADS

     There are no globals and no locks. Nets, separations and arrays are only read, so any number of threads may share
     them; a hfy_work belongs to one thread at a time. To split a batch yourself give each thread its own rows of
     queries and out.
     Or let a call split its work: compile the implementation file with OpenMP, or define HFY_PARALLEL_FOR(n, body,
     context), which has to call body(context, i) once for every i below n (void (*body)(void *, size_t); any order, any
     threads) and to return when all are done. hfy_retrieve then shares out queries, or the patterns if queries are
     few; other rooms share out rows, patterns or neurons. The bits of an answer depend neither on the split nor on the
     number of threads.

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
     hfy_simd_isa tells and work.isa forces), and in the last places on compiler, flags, libm and, where there is one,
     the BLAS, which answers for its own bits. SOFTMAX and EXP are computed in another order when the report asks for
     weights, support, top or energies: equal up to rounding.
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

     >>rooms       which rooms HFY_ONLY_<ROOM> brings along
     >>precision   every name that HFY_DOUBLE renames
     >>base        statuses, scratch memory, random numbers          >>base.impl
     >>simd        which instruction set runs                        >>simd.impl     the kernels
                                                                     >>simd.int8     kernels of a prepared memory
     >>linalg      eigenvalues, -vectors of any real matrix          >>linalg.impl   Cholesky factor, solves
                                                                     >>linalg.gemm   matrix products
                                                                     >>linalg.eigen  eigenvalues, -vectors, thin QR
     >>linalg.spectra  symmetric eigenvalues, SVD, pseudo-inverse    >>linalg.spectra.impl
     >>sim         similarities of queries and keys                  >>sim.impl
     >>index       a prepared memory: reads fewer bytes              >>index.impl
     >>structure   SparseMAP over any structure                      >>structure.impl
     >>sep         from scores to weights: separations               >>sep.impl
     >>post        post-transformations of the projection            >>post.impl
     >>net         the memory: retrieve, energies, gradients         >>net.impl      checks, what a call holds
                                                                     >>net.plain     the walk as it is defined
                                                                     >>net.fast      the same walk sooner
                                                                     >>net.energy    energies, gradients
     >>file        .npy arrays in and out                            >>file.impl
     >>shard       one step over patterns in several places          >>shard.impl
     >>theory      what the papers prove, computed for a net         >>theory.impl
     >>recall      free and sequential recall, forgetting            >>recall.impl
     >>binary      memories of +1 and -1: Hebb, dense, bit by bit    >>binary.impl
     >>kernel      kernel memories: training, recall, landscape      >>kernel.impl
     >>rate        graded attractor networks: are they stable?       >>rate.impl

     A room calls only rooms above it. Public names are hfy_<room>_<verb>; shorter are the net's (hfy_retrieve,
     hfy_energy), base's (hfy_status_, hfy_work_, hfy_rng_) and linalg's hfy_eigenvalues, hfy_eigenvectors. Private
     names end in an underscore.

   FURTHER   examples/, docs/guide.md (by tasks), docs/math.md (every equation and its function), docs/design.md (why it
             is built so), docs/porting.md

   SOURCES   HFY   Santos, Niculae, McNamee, Martins: Hopfield-Fenchel-Young Networks
                   https://arxiv.org/abs/2411.08590
             MHN   Ramsauer et al.: Hopfield Networks is All You Need
                   https://arxiv.org/abs/2008.02217
             KLR-S, KLR-L  Tamamori: Self-organization ... of attractor landscapes in ... kernel Hopfield networks
                   (spectral mechanism; kernel logistic regression, its first version)
                   https://arxiv.org/abs/2511.13053 and https://arxiv.org/abs/2511.13053v1
             RATE  Cohen, Lengyel: Dynamical stability for dense patterns in discrete attractor neural networks
                   https://arxiv.org/abs/2507.10383
             Equation numbers in comments are theirs; "mended" marks a misprint that docs/math.md explains.

   HISTORY

     0.1.0   base, simd, linalg, sim, index, structure, sep, post, net, file, shard: the walk, its energies and its
             gradients; theory, recall; binary, kernel: classical, dense and kernel memories; rate
   ----------------------------------------------------------------------------------------------------------------- */

/* ------------------------------------------------------------------------------------------------------------------
   >>rooms   HFY_ONLY_<ROOM>, and which other rooms a room brings along; base and simd are always there
   ------------------------------------------------------------------------------------------------------------------ */
#ifndef HFY_SIMD_PASS_
#if !defined(HFY_ONLY_LINALG) && !defined(HFY_ONLY_SIM) && !defined(HFY_ONLY_INDEX) &&                                 \
  !defined(HFY_ONLY_STRUCTURE) && !defined(HFY_ONLY_SEP) && !defined(HFY_ONLY_POST) && !defined(HFY_ONLY_NET) &&       \
  !defined(HFY_ONLY_FILE) && !defined(HFY_ONLY_SHARD) && !defined(HFY_ONLY_THEORY) && !defined(HFY_ONLY_RECALL) &&     \
  !defined(HFY_ONLY_BINARY) && !defined(HFY_ONLY_KERNEL) && !defined(HFY_ONLY_RATE) /* all */
#define HFY_HAS_INDEX_
#define HFY_HAS_FILE_
#define HFY_HAS_SHARD_
#define HFY_HAS_THEORY_
#define HFY_HAS_RECALL_
#define HFY_HAS_KERNEL_
#define HFY_HAS_RATE_
#endif
#if defined(HFY_ONLY_RATE) || defined(HFY_HAS_RATE_)
#define HFY_HAS_RATE_
#define HFY_HAS_LINALG_
#endif
#if defined(HFY_ONLY_KERNEL) || defined(HFY_HAS_KERNEL_)
#define HFY_HAS_KERNEL_
#define HFY_HAS_LINALG_
#define HFY_HAS_BINARY_
#endif
#if defined(HFY_ONLY_BINARY) || defined(HFY_HAS_BINARY_)
#define HFY_HAS_BINARY_
#define HFY_HAS_LINALG_
#endif
#if defined(HFY_ONLY_RECALL) || defined(HFY_HAS_RECALL_)
#define HFY_HAS_RECALL_
#define HFY_HAS_STRUCTURE_
#define HFY_HAS_NET_
#endif
#if defined(HFY_ONLY_THEORY) || defined(HFY_HAS_THEORY_)
#define HFY_HAS_THEORY_
#define HFY_HAS_LINALG_
#define HFY_HAS_STRUCTURE_
#define HFY_HAS_NET_
#endif
#if defined(HFY_ONLY_SHARD) || defined(HFY_HAS_SHARD_)
#define HFY_HAS_SHARD_
#define HFY_HAS_NET_
#endif
#if defined(HFY_ONLY_FILE) || defined(HFY_HAS_FILE_)
#define HFY_HAS_FILE_
#endif
#if defined(HFY_ONLY_NET) || defined(HFY_HAS_NET_)
#define HFY_HAS_NET_
#define HFY_HAS_SIM_
#define HFY_HAS_SEP_
#define HFY_HAS_POST_
#endif
#if defined(HFY_ONLY_POST) || defined(HFY_HAS_POST_)
#define HFY_HAS_POST_
#endif
#if defined(HFY_ONLY_SEP) || defined(HFY_HAS_SEP_)
#define HFY_HAS_SEP_
#endif
#if defined(HFY_ONLY_STRUCTURE) || defined(HFY_HAS_STRUCTURE_)
#define HFY_HAS_STRUCTURE_
#endif
#if defined(HFY_ONLY_INDEX) || defined(HFY_HAS_INDEX_)
#define HFY_HAS_INDEX_
#define HFY_HAS_LINALG_
#define HFY_HAS_SIM_
#endif
#if defined(HFY_ONLY_SIM) || defined(HFY_HAS_SIM_)
#define HFY_HAS_SIM_
#endif
#if defined(HFY_ONLY_LINALG) || defined(HFY_HAS_LINALG_)
#define HFY_HAS_LINALG_
#endif
#endif /* HFY_SIMD_PASS_ */

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
#define hfy_recall_state hfy_recall_state_d
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
#define hfy_eigenvalues hfy_eigenvalues_d
#define hfy_eigenvectors hfy_eigenvectors_d
#define hfy_linalg_eigen hfy_linalg_eigen_d
#define hfy_linalg_svd hfy_linalg_svd_d
#define hfy_linalg_pinv hfy_linalg_pinv_d
#define hfy_sim_scores hfy_sim_scores_d
#define hfy_index_size hfy_index_size_d
#define hfy_index_build hfy_index_build_d
#define hfy_index_check hfy_index_check_d
#define hfy_structure_ksubsets hfy_structure_ksubsets_d
#define hfy_structure_at_most hfy_structure_at_most_d
#define hfy_structure_sequence hfy_structure_sequence_d
#define hfy_structure_chain hfy_structure_chain_d
#define hfy_structure_matching hfy_structure_matching_d
#define hfy_structure_map hfy_structure_map_d
#define hfy_structure_solve hfy_structure_solve_d
#define hfy_structure_vjp hfy_structure_vjp_d
#define hfy_structure_loss hfy_structure_loss_d
#define hfy_structure_margin hfy_structure_margin_d
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
#define hfy_energy_gradient hfy_energy_gradient_d
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
#define hfy_theory_separate hfy_theory_separate_d
#define hfy_theory_retrieves hfy_theory_retrieves_d
#define hfy_theory_bound_energy hfy_theory_bound_energy_d
#define hfy_theory_capacity_exact hfy_theory_capacity_exact_d
#define hfy_theory_capacity_softmax hfy_theory_capacity_softmax_d
#define hfy_theory_dimension hfy_theory_dimension_d
#define hfy_theory_slack hfy_theory_slack_d
#define hfy_theory_capacity_binary hfy_theory_capacity_binary_d
#define hfy_theory_converges hfy_theory_converges_d
#define hfy_theory_jacobian hfy_theory_jacobian_d
#define hfy_theory_metastable hfy_theory_metastable_d
#define hfy_theory_classify hfy_theory_classify_d
#define hfy_theory_associates hfy_theory_associates_d
#define hfy_theory_lambert hfy_theory_lambert_d
#define hfy_theory_lambert_exp hfy_theory_lambert_exp_d
#define hfy_recall_begin hfy_recall_begin_d
#define hfy_recall_next hfy_recall_next_d
#define hfy_recall_all hfy_recall_all_d
#define hfy_recall_unique hfy_recall_unique_d
#define hfy_recall_levenshtein hfy_recall_levenshtein_d
#define hfy_recall_bias hfy_recall_bias_d
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
#define hfy_kernel_bound hfy_kernel_bound_d
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
#define hfy_rate_g hfy_rate_g_d
#define hfy_rate_slope hfy_rate_slope_d
#define hfy_rate_inverse hfy_rate_inverse_d
#define hfy_rate_slope_at hfy_rate_slope_at_d
#define hfy_rate_patterns hfy_rate_patterns_d
#define hfy_rate_perturb hfy_rate_perturb_d
#define hfy_rate_weights hfy_rate_weights_d
#define hfy_rate_weights_sparse hfy_rate_weights_sparse_d
#define hfy_rate_net hfy_rate_net_d
#define hfy_rate_jacobian hfy_rate_jacobian_d
#define hfy_rate_spectrum hfy_rate_spectrum_d
#define hfy_rate_stability hfy_rate_stability_d
#define hfy_rate_threshold hfy_rate_threshold_d
#define hfy_rate_asymmetry hfy_rate_asymmetry_d
#define hfy_rate_henrici hfy_rate_henrici_d
#define hfy_rate_theory hfy_rate_theory_d
#define hfy_rate_theory_of hfy_rate_theory_of_d
#define hfy_rate_at_load hfy_rate_at_load_d
#define hfy_rate_bulk_edge hfy_rate_bulk_edge_d
#define hfy_rate_bulk_load hfy_rate_bulk_load_d
#define hfy_rate_optimum hfy_rate_optimum_d
#define hfy_rate_capacity hfy_rate_capacity_d
#define hfy_rate_solve_replica hfy_rate_solve_replica_d
#define hfy_rate_circular_law hfy_rate_circular_law_d
#define hfy_rate_simulate hfy_rate_simulate_d
#define hfy_rate_basin hfy_rate_basin_d
#else
typedef float hfy_real;
#endif

/* ------------------------------------------------------------------------------------------------------------------
   >>base   statuses, scratch memory, random numbers
   ------------------------------------------------------------------------------------------------------------------ */

/* Name and text of every status, in one place. */
#define HFY_STATUS_LIST(X)                                                                                             \
  X(HFY_OK, "ok")                                                                                                      \
  X(HFY_ERR_ARG, "bad argument")                                                                                       \
  X(HFY_ERR_NOMEM, "not enough scratch memory")                                                                        \
  X(HFY_ERR_NONFINITE, "NaN or infinity where a finite number is needed")                                              \
  X(HFY_ERR_INFEASIBLE, "no point satisfies the constraints")                                                          \
  X(HFY_ERR_SINGULAR, "singular matrix")                                                                               \
  X(HFY_ERR_CONVERGENCE, "an inner solver did not converge")                                                           \
  X(HFY_ERR_UNSUPPORTED, "no such value or combination exists")                                                        \
  X(HFY_ERR_IO, "input or output failed")                                                                              \
  X(HFY_ERR_FORMAT, "malformed file")

typedef enum hfy_status {
#define HFY_STATUS_NAME(name, text) name,
  HFY_STATUS_LIST(HFY_STATUS_NAME)
#undef HFY_STATUS_NAME
} hfy_status;

/* A few words for a status, never NULL ("unknown status" for a number that is none). */
HFY_API const char *hfy_status_text(hfy_status status);

/* The instruction sets a kernel can be written for; hfy_work.isa picks one, HFY_ISA_BEST (0): the library chooses. */
typedef enum hfy_isa {
  HFY_ISA_BEST, HFY_ISA_SCALAR, HFY_ISA_SSE2, HFY_ISA_AVX2, HFY_ISA_AVX512, HFY_ISA_NEON } hfy_isa;
/* For HFY_ISAS: one bit for each. */
#define HFY_ISAS_SCALAR 2
#define HFY_ISAS_SSE2 4
#define HFY_ISAS_AVX2 8
#define HFY_ISAS_AVX512 16
#define HFY_ISAS_NEON 32

/* Scratch memory, the choice of instruction set, the message of the last error. One per thread. Zeroed it is ready: it
   allocates with HFY_MALLOC, grows when a call needs more, and is emptied by hfy_work_free. With `buffer` and
   `capacity` set by you (and `owned` 0) it never allocates: a call that needs more returns HFY_ERR_NOMEM before it
   writes anything. Functions take NULL too: they allocate and free within the call; the message is lost. */
typedef struct hfy_work {
  void *buffer;      /* scratch: yours, or the library's (owned = 1); any alignment */
  size_t capacity;   /* its bytes */
  size_t used;       /* bytes that the last call used */
  size_t peak;       /* the most that a call has asked for so far: this many bytes would do */
  hfy_isa isa;       /* HFY_ISA_BEST, or the set to force (UNSUPPORTED if this machine or build has it not) */
  unsigned owned;    /* set by the library when it allocated buffer */
  char message[160]; /* what the last call had to say: empty after success */
} hfy_work;

/* Frees what the library allocated and zeroes buffer, capacity, owned; a buffer of yours stays. NULL is allowed. */
HFY_API void hfy_work_free(hfy_work *work);

/* A random generator: SplitMix64, with a cached second normal. Plain data: copy it to fork a stream; zeroed: seed 0. */
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

#ifdef HFY_HAS_LINALG_
/* ------------------------------------------------------------------------------------------------------------------
   >>linalg   eigenvalues and eigenvectors of a real square matrix, in double in every build
   ------------------------------------------------------------------------------------------------------------------ */

/* All eigenvalues of a (n x n, row by row, any real matrix): re[k] + i im[k], largest real part first, conjugate pairs
   side by side, +im first, equal to the bit. Backward stable: each is an eigenvalue of a matrix within a small multiple
   of eps of a (balanced); one alone in its row or column comes out exactly. re, im: n; may not overlap a. Cost about
   8 n^3; scratch about n^2 + 150 n doubles. Errors, nothing written: ARG (NULL, n = 0, too large to exist), NONFINITE
   (an element of a), NOMEM, UNSUPPORTED (work->isa), CONVERGENCE (60 iterations for one eigenvalue; never seen). */
HFY_API hfy_status hfy_eigenvalues(const double *a, size_t n, double *re, double *im, hfy_work *work);

/* Right eigenvectors for `count` of the eigenvalues re[k] + i im[k] that hfy_eigenvalues found, by inverse iteration:
   vectors_re, vectors_im count x n, each of length 1 with its largest element real and positive (im[k] = 0: real).
   residual (count, or NULL): |A v - lambda v| / |A|_F, about eps; eps times what balancing scaled by where rows and
   columns of a differ by many decades. Equal eigenvalues get the same vector. Cost about 4 n^3 once, 12 n^2 a vector
   (with residual 6 n^2 more); scratch about 4 n^2 doubles. Errors as hfy_eigenvalues; NONFINITE for re and im too. */
HFY_API hfy_status hfy_eigenvectors(const double *a, size_t n, const double *re, const double *im, size_t count,
                                    double *vectors_re, double *vectors_im, double *residual, hfy_work *work);

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
   the right one) is zero; all others are orthonormal. How: eigenvectors V of the smaller of A^T A and A A^T make A V
   nearly orthogonal, one-sided Jacobi rotations finish, so small values keep what forming A^T A alone would lose. Cost:
   2 rows columns r + 6 r^3 and a few times r^2 max(rows, columns) multiply-adds. Errors as hfy_linalg_eigen. */
HFY_API hfy_status hfy_linalg_svd(const double *a, size_t rows, size_t columns, double *values, double *left,
                                  double *right, hfy_work *work);

/* The pseudo-inverse, columns x rows, of a. Singular values up to `cut` times the largest count as 0; cut = 0:
   max(rows, columns) eps. *rank (or NULL): how many are left. Errors as hfy_linalg_svd; ARG (cut < 0 or not finite). */
HFY_API hfy_status hfy_linalg_pinv(const double *a, size_t rows, size_t columns, double cut, double *inverse,
                                   size_t *rank, hfy_work *work);

#endif /* HFY_HAS_LINALG_ */

/* ------------------------------------------------------------------------------------------------------------------
   >>sim   similarities of queries and keys (universal Hopfield, HFY 3.2)
   ------------------------------------------------------------------------------------------------------------------ */
typedef enum hfy_sim {
  HFY_SIM_DOT,       /* <x, q> */
  HFY_SIM_COSINE,    /* <x, q> / (|x| |q|); 0 where either is the zero vector */
  HFY_SIM_EUCLIDEAN, /* -1/2 |x - q|^2 */
  HFY_SIM_MANHATTAN  /* -|x - q|_1 */
} hfy_sim;

#ifdef HFY_HAS_SIM_
/* scores[j*count + i] = beta * sim(key i, query j). beta: any finite number. keys: count rows of dim, key_stride apart
   (0 = dim); queries: n_queries rows of dim; scores: n_queries x count. A dot product is within 4 eps sqrt(dim) |beta|
   |x||q| of the exact one (eps of hfy_real); a score beyond the range of hfy_real comes out infinite, NaN in gives NaN
   out. Cost: count x dim x n_queries multiply-adds. Errors: ARG (NULL, dim or count 0, stride < dim, beta). */
HFY_API hfy_status hfy_sim_scores(hfy_sim sim, double beta, const hfy_real *keys, size_t count, size_t dim,
                                  size_t key_stride, const hfy_real *queries, size_t n_queries, hfy_real *scores,
                                  hfy_work *work);

#endif /* HFY_HAS_SIM_ */

/* ------------------------------------------------------------------------------------------------------------------
   >>index   a prepared memory: short copies of the keys that say which few of them a query must be compared with
   ------------------------------------------------------------------------------------------------------------------ */

/* How a prepared memory is built. Zeroed (or NULL) = the defaults. */
typedef struct hfy_index_options {
  size_t prefix; /* principal directions in front of the rows. 0: up to 128, as many as pay, none where the keys have no
                    low-dimensional structure or dim < 128; SIZE_MAX: none; else this many, at most dim */
  size_t sample; /* rows from which the mean and the directions are estimated; 0 = 2048 */
} hfy_index_options;

/* A prepared memory: every key in one byte an element with a certified bound on what that leaves out, so that a
   retrieval with a margin (sparsemax, entmax, normmax, k-subsets, argmax over dots) reads 4 to 40 times fewer bytes
   and returns the bits of the full scan. It borrows the caller's memory; the keys must stay as they are. Plain data:
   struct and the bytes at `data` may be saved and loaded on the same kind of machine; `data` is then pointed at the
   copy, aligned to 64 bytes. All members are read-only. */
typedef struct hfy_index {
  const void *data;     /* in the caller's memory, aligned to 64 bytes */
  size_t bytes;         /* of data in use */
  size_t count, dim;    /* shape of the keys */
  size_t prefix;        /* directions in front of the rows; 0 = none */
  double residual;      /* share of the keys' norm, their mean direction apart, that the directions leave; or 1 */
  double error;         /* root mean square of |key - its int8 row| over that of |key| */
  uint64_t format;      /* version and precision of the build; anything else is refused */
  uint64_t fingerprint; /* of every byte of the keys */
  uint64_t sampled;     /* of a fixed sample of the keys' rows: looked at before every retrieval */
  uint64_t seal;        /* of data and the members */
  double mean_norm, basis_norm, largest; /* bounds: the mean row, the directions as a matrix, the longest key */
  int exponent, reserved; /* inside, keys are divided by 2^exponent: the largest element is then in [1/2, 1) */
} hfy_index;

#ifdef HFY_HAS_INDEX_
/* Bytes of memory that hfy_index_build needs, whatever the alignment: about dim + 16 a key, and up to 148 more with a
   prefix; SIZE_MAX if there is no such size (0, overflow, dim above 2^24, count above 2^32 - 1, prefix above dim). */
HFY_API size_t hfy_index_size(size_t count, size_t dim, const hfy_index_options *options);

/* Prepares the keys (count rows of dim, key_stride apart, 0 = dim) in `memory` (any alignment, at least hfy_index_size
   `bytes`). *index is written only on success. Deterministic for one instruction set. Cost: a few passes over the keys;
   with a prefix also 2 count dim prefix multiply-adds.
   Errors: ARG (NULL, sizes, options, bytes), NOMEM (scratch: about dim (274 + 16 prefix) bytes with a prefix, 18 dim
   without, and 16 sample), NONFINITE (a key; the message says which).
   EXAMPLE  size_t bytes = hfy_index_size(count, dim, NULL);
            void *memory = malloc(bytes);
            status = hfy_index_build(keys, count, dim, 0, NULL, memory, bytes, &index, &work); */
HFY_API hfy_status hfy_index_build(const hfy_real *keys, size_t count, size_t dim, size_t key_stride,
                                   const hfy_index_options *options, void *memory, size_t bytes, hfy_index *index,
                                   hfy_work *work);

/* The full check that an index belongs to these keys and is whole: reads every byte of both. (A retrieval looks at the
   shape and a few rows.) Errors: ARG (NULL, another version, precision or shape, keys or data that have changed). */
HFY_API hfy_status hfy_index_check(const hfy_index *index, const hfy_real *keys, size_t count, size_t dim,
                                   size_t key_stride, hfy_work *work);

#endif /* HFY_HAS_INDEX_ */

/* ------------------------------------------------------------------------------------------------------------------
   >>structure   SparseMAP over any structure: argmax over conv(Y) of unary.u + higher.v - rho/2|u|^2   (HFY 5)
   ------------------------------------------------------------------------------------------------------------------ */

/* A structure is a finite set Y of vertices y = (u, v): `unaries` bits u, the patterns or labels, then `higher` bits v,
   the higher-order parts (HFY 5.1). It is told by its MAP oracle alone. A vertex is written as the list of its bits
   that are on: i for unary i, unaries + j for higher-order part j, each once, in any order.

   The oracle finds a vertex with the highest unary.u + higher.v, writes its list to `on` (room for `most`) and returns
   its length; SIZE_MAX if every vertex holds a score of -INFINITY. Scores are never NaN or +INFINITY. Equal scores get
   equal answers. scratch: `scratch` bytes, aligned to 64, holding anything. It may be called from several threads at
   once (hfy_retrieve shares queries out), and must not call hfy_* functions with the caller's work. */
struct hfy_structure;
typedef size_t (*hfy_structure_oracle)(const struct hfy_structure *structure, const double *unary, const double *higher,
                                       size_t *on, void *scratch);

/* Plain data: it borrows context and states. Zeroed but for unaries, higher, most and oracle is a structure. */
typedef struct hfy_structure {
  size_t unaries, higher;      /* bits of u, at least 1, and of v; together below 2^32 */
  size_t most;                 /* bits that a vertex may have on, at least 1 */
  hfy_structure_oracle oracle; /* the MAP oracle */
  size_t scratch;              /* bytes that the oracle works in, or 0 */
  const void *context;         /* for an oracle of yours */
  size_t k;                    /* KSUBSETS and the like: budget; chain: variables; matching: side */
  const size_t *states;        /* chain: states of each variable */
  double tol;                  /* duality gap to stop at, >= 0; 0 = what rounding leaves */
  size_t max_steps;            /* oracle calls of a solve at most; 0 = 1000 + 10 max_active */
  size_t max_active; /* vertices of the mixture at most; 0 = 1024 or unaries + 1. Scratch grows with 4 max_active^2 */
} hfy_structure;

#ifdef HFY_HAS_STRUCTURE_
/* The built-in structures. Equal scores: the lowest bits first, off before on. Sizes that make no sense (k above n) are
   reported by the function that is given the structure.
     ksubsets   k of n bits on, exactly                                         O(n)
     at_most    no more than k of n bits on                                     O(n)
     sequence   k of n bits on; part i: bits i and i+1 both on, i = 0 .. n-2    O(n k), scratch n (k+1) bytes
     chain      variables in a row, variable i in one of states[i]              O(sum over i of states[i] states[i+1])
                unaries: the states of variable 0, of 1, ...; parts: the pairs of states of variables 0 and 1, row by
                row (the state of 0 is the row), of 1 and 2, ...
     matching   one-to-one pairs of n rows and n columns, unary i n + j: row i has column j    O(n^3) */
HFY_API hfy_structure hfy_structure_ksubsets(size_t n, size_t k);
HFY_API hfy_structure hfy_structure_at_most(size_t n, size_t k);
HFY_API hfy_structure hfy_structure_sequence(size_t n, size_t k);
HFY_API hfy_structure hfy_structure_chain(size_t variables, const size_t *states);
HFY_API hfy_structure hfy_structure_matching(size_t n);

/* In all functions below: unary: `unaries` scores, finite or -INFINITY (that bit stays off); higher: `higher` of them
   (NULL = 0), finite or -INFINITY; for a sequence +INFINITY too: as many neighbours as can be, before anything else
   (-INFINITY: as few). rho > 0 weighs the quadratic; 0 = 1 (2: HFY's Example 2 with its bits for on and off).
   Common errors: ARG (NULL, a structure or rho out of range, every vertex masked, an oracle's list that is no vertex),
   NOMEM, NONFINITE (NaN or a forbidden infinity in the scores, sums beyond the range of double). */

/* A best vertex: its bits, ascending, into on (room for structure->most), how many into *count, its score into *score
   (each may be NULL). One call of the oracle. */
HFY_API hfy_status hfy_structure_map(const hfy_structure *structure, const double *unary, const double *higher,
                                     size_t *on, size_t *count, double *score, hfy_work *work);

/* What a solve can tell: every pointer is optional. */
typedef struct hfy_structure_answer {
  double *unary, *higher; /* u and v of the solution; u is unique, v need not be */
  double value;           /* the maximum, Omega*(unary, higher); parts with an infinite score are left out */
  double gap;             /* duality gap: how far at most the value is from the best; |u - best u|^2 <= gap/rho */
  size_t steps;           /* calls of the oracle */
  size_t vertices;        /* of the mixture: (u, v) is the sum of weight[j] times vertex j */
  size_t room;            /* vertices that the three arrays below have room for; see hfy_structure_solve */
  double *weight;         /* room: above 0, sum 1, newest last */
  size_t *count;          /* room: how many bits a vertex has on */
  size_t *on;             /* room x structure->most: its bits, ascending */
} hfy_structure_answer;

/* SparseMAP by an active-set method: the quadratic is solved on the affine hull of a few vertices, and the oracle says
   which one is missing. Ends after finitely many steps, at a gap that it tells; integral answers are exact to the bit.
   Cost a step: the oracle and O(a^2 + a most), a the vertices at hand. weight, count and on take those that fit in
   `room`; `vertices` tells how many there are.
   Accuracy of u: about 1e-12 (1 + the largest finite part / rho) for ksubsets, sequence and chain, however large the
   scores, because a number added to the scores of all n, or of one variable, changes nothing there. Else what rounding
   leaves of a vertex's score, over rho: as it is for at_most and oracles of yours; counted from the best of each row
   for matching, from the k-th best under infinite transitions, from the best of a variable under parts of -INFINITY.
   Errors as above; CONVERGENCE (max_steps or max_active met, the oracle's answer is not its best): the answer holds the
   last iterate and its gap. */
HFY_API hfy_status hfy_structure_solve(const hfy_structure *structure, double rho, const double *unary,
                                       const double *higher, hfy_structure_answer *answer, hfy_work *work);

/* Vector-Jacobian products of a solution's u: d_unary = (du/d unary)^T du, d_higher = (du/d higher)^T du (either may be
   NULL; d_unary may be du). vertices, count, on: the mixture of hfy_structure_solve, its lists structure->most apart;
   with one vertex, 0. At a kink the mixture decides, and where scores tie so exactly that a few vertices make a point
   inside a larger face: directions that they do not span are left out. Cost O(a^3).
   Errors: ARG, NOMEM; SINGULAR if the vertices are not affinely independent in u, as a solve's always are. */
HFY_API hfy_status hfy_structure_vjp(const hfy_structure *structure, double rho, size_t vertices, const size_t *count,
                                     const size_t *on, const double *du, double *d_unary, double *d_higher,
                                     hfy_work *work);

/* The SparseMAP loss of the vertex with these bits on: rho/2(|u_y|^2 - |u|^2) + scores.((u, v) - y) >= 0, u the
   solution (HFY 5.3); 0 if and only if the solution is that vertex. Its gradient with respect to unary is u - u_y.
   Errors as hfy_structure_solve; ARG (a bit out of range or twice). +INFINITY for a vertex with a masked bit. */
HFY_API hfy_status hfy_structure_loss(const hfy_structure *structure, double rho, const double *unary,
                                      const double *higher, const size_t *on, size_t count, double *loss,
                                      hfy_work *work);

/* The structured margin (HFY Def. 12, Prop. 13, in its sharp form): the least over all vertices y' of
   scores.(y - y') - rho u_y.(u_y - u_y'); for vertices with equally many unaries on the last term is
   rho/2 |u_y - u_y'|^2. At most 0, and 0 if and only if the solution at these scores is y. One call of the oracle. */
HFY_API hfy_status hfy_structure_margin(const hfy_structure *structure, double rho, const double *unary,
                                        const double *higher, const size_t *on, size_t count, double *slack,
                                        hfy_work *work);

#endif /* HFY_HAS_STRUCTURE_ */

/* ------------------------------------------------------------------------------------------------------------------
   >>sep   separations: y = argmax over dom(Omega) of theta.y - Omega(y)   (HFY eq. 4)
   ------------------------------------------------------------------------------------------------------------------ */
typedef enum hfy_sep_kind {
  HFY_SEP_SOFTMAX,   /* e^theta / sum;  Omega = sum y log y on the simplex */
  HFY_SEP_SPARSEMAX, /* projection onto the simplex;  Omega = 1/2|y|^2 - 1/2 (with bounds: 1/2|y|^2) */
  HFY_SEP_ENTMAX,    /* alpha-entmax;  Omega = (sum y^alpha - 1) / (alpha (alpha-1)) on the simplex (HFY eq. 17) */
  HFY_SEP_NORMMAX,   /* gamma-normmax;  Omega = |y|_gamma - 1 on the simplex (HFY eq. 18) */
  HFY_SEP_KSUBSETS,  /* projection onto {0 <= y <= 1, sum y = k};  Omega = rho/2 |y|^2 */
  HFY_SEP_SEQUENCE_KSUBSETS, /* k patterns, `transition` more for each two neighbours: SparseMAP (HFY Example 2) */
  HFY_SEP_SPARSEMAP, /* SparseMAP over `structure`;  Omega = rho/2 |y|^2 on the hull of its vertices (HFY 5) */
  HFY_SEP_IDENTITY,  /* theta;  Omega = 1/2|y|^2 */
  HFY_SEP_POWER,  /* sign(theta)|theta|^(degree-1);  Omega = 1/s |y|_s^s, 1/degree + 1/s = 1 (HFY eq. 10, mended) */
  HFY_SEP_EXP,    /* e^theta;  Omega = sum y log y - y on y >= 0 (HFY eq. 12, mended) */
  HFY_SEP_ARGMAX, /* 1 on the k largest (ties: lowest index), 0 elsewhere;  Omega = 0 on their hull */
  HFY_SEP_UNIFORM /* 1/n on every pattern that is not masked, whatever its score */
} hfy_sep_kind;

/* A separation. Zeroed = softmax. Members that a kind does not use are ignored. */
typedef struct hfy_sep {
  double k; /* KSUBSETS: budget, any real 0 < k <= n; SEQUENCE_KSUBSETS, ARGMAX: whole, 1 <= k <= n; 0 = 1 */
  hfy_sep_kind kind;
  double alpha;                 /* ENTMAX: index alpha > 0, HUGE_VAL allowed (uniform over exact ties); 0 = 1.5 */
  double gamma;                 /* NORMMAX: gamma >= 1, HUGE_VAL allowed; 1 = argmax, ties shared; 0 = 2 */
  double degree;                /* POWER: r > 1, y = sign(theta)|theta|^(r-1); 0 = 3 */
  double rho;                   /* KSUBSETS, SEQUENCE_KSUBSETS, SPARSEMAP: weight rho > 0 of the quadratic; 0 = 1 */
  double transition;            /* SEQUENCE_KSUBSETS: score of two neighbours both on, never multiplied by beta;
                                   HUGE_VAL: contiguous runs (-HUGE_VAL: neighbours only if it must be).
                                   SPARSEMAP: score of every higher-order part */
  const hfy_real *transitions;  /* n-1 of them (SPARSEMAP: structure->higher) instead of that one; or NULL */
  const double *upper, *lower;  /* SPARSEMAX, KSUBSETS: bounds, rows of n, lower <= upper (upper may be HUGE_VAL);
                                   NULL = 0 below and, above, none (SPARSEMAX) or 1 (KSUBSETS) */
  size_t bound_stride;          /* doubles between the bounds of two rows; 0 = one row of bounds for all */
  const struct hfy_structure *structure; /* SPARSEMAP: the structure, with unaries = n. SEQUENCE_KSUBSETS: NULL, or
                                            one of which tol, max_steps and max_active are taken, nothing else */
  const struct hfy_sep *plus;   /* a second separation whose prediction is added (sum of energies, HFY 3.3.7): NULL */
} hfy_sep;

#ifdef HFY_HAS_SEP_
/* y[j*n + i]: prediction for each row of scores. theta: rows x n, finite or -INFINITY (masked: weight 0, never
   counted). y may be theta. Simplex kinds sum to one within rounding; equal scores get equal weights (ARGMAX: lowest
   index first); a vertex is exact to the bit: one-hot from a gap of hfy_sep_margin on.
   Accuracy: a few ulp in float, 1e-12 in double, of the exact prediction for the given scores, however large they are
   (KSUBSETS with k below 1: times k; SEQUENCE_KSUBSETS: see hfy_structure_solve).
   Cost: O(n) a row (ENTMAX alpha > 2 and NORMMAX infinity: plus a sort of the scores within the margin; bounds where
   scores are large beside rho: times log n; SEQUENCE_KSUBSETS: O(n k) a step, SPARSEMAP: see hfy_structure_solve, which
   also tells the gap). Rows are shared among threads, each with scratch of up to 56 n bytes (structures: theirs).
   Errors, nothing written: ARG (NULL, n = 0, a parameter outside its range, lower > upper, k > n), NOMEM. Errors of one
   row, which leave it untouched while all others are answered; the first is returned: NONFINITE (NaN or +INFINITY), ARG
   (everything masked, or k above the unmasked; SPARSEMAP: as hfy_structure_solve), INFEASIBLE (bounds cannot be met; a
   shortfall of 1e-9 k is forgiven), UNSUPPORTED (EXP, POWER: beyond the range of hfy_real), CONVERGENCE
   (SEQUENCE_KSUBSETS, SPARSEMAP: max_steps or max_active met; the message tells the gap that was reached).
   EXAMPLE  hfy_sep sep = {0}; sep.kind = HFY_SEP_SPARSEMAX; hfy_sep_apply(&sep, theta, 1, n, y, NULL); */
HFY_API hfy_status hfy_sep_apply(const hfy_sep *sep, const hfy_real *theta, size_t rows, size_t n, hfy_real *y,
                                 hfy_work *work);

/* Where hfy_sep_vjp writes; NULL members are left out. With a `plus` the parameters are those of sep itself, the first
   of the chain (whose order is free). */
typedef struct hfy_sep_grad {
  hfy_real *theta;       /* rows x n; may be dy itself */
  double *alpha, *gamma; /* 1, summed over the rows: ENTMAX; NORMMAX, 1 < gamma < infinity */
  double *upper, *lower; /* like those of sep: n summed over the rows if bound_stride is 0, else rows of bound_stride */
  double *transition;  /* 1, summed over parts and rows: SEQUENCE_KSUBSETS, SPARSEMAP */
  double *transitions; /* n-1 (SPARSEMAP: structure->higher), summed over the rows */
} hfy_sep_grad;

/* Vector-Jacobian products: grad->theta = J^T dy and the like, at y = prediction(theta). Overwrites what it is given.
   y: rows x n as hfy_sep_apply returned it for theta (theta is read for IDENTITY, POWER, NORMMAX with gamma > 100,
   SEQUENCE_KSUBSETS, SPARSEMAP and `plus`; else it may be NULL). At a kink the support of y decides (one element of the
   generalized Jacobian). ARGMAX, UNIFORM, NORMMAX and ENTMAX at infinity: 0, and no grad->alpha there.
   Accuracy: 1e-12 of the exact product for the given y, relative; y^(2-alpha) and y^(2-gamma) enlarge the rounding of y
   itself by their exponents. ENTMAX alpha > 2 has slopes without end: what is beyond hfy_real is infinite.
   Cost O(n) a row; NORMMAX with gamma > 100, SEQUENCE_KSUBSETS and SPARSEMAP solve again, and rows without an answer
   give 0. Errors: ARG, NOMEM, UNSUPPORTED (a parameter gradient the kind does not have); NaN and infinity in dy are
   carried through. Derived in docs/math.md, section 7. */
HFY_API hfy_status hfy_sep_vjp(const hfy_sep *sep, const hfy_real *theta, const hfy_real *y, const hfy_real *dy,
                               size_t rows, size_t n, const hfy_sep_grad *grad, hfy_work *work);

/* omega[j] = Omega(y_j), +INFINITY outside its domain (sums are judged to 1e-6 of their size). y: rows x n.
   SEQUENCE_KSUBSETS and SPARSEMAP with higher-order scores: Omega(y) = rho/2 |y|^2 - the most that parts which go with
   y can score (infinite ones left out), for rows of zeros and ones.
   A `plus`: the infimal convolution, min over a of Omega_1(a) + Omega_2(y - a) (HFY eq. 16), to 1e-12, some hundred
   times the cost of one Omega; masks are not known here, so a UNIFORM link is 1/n on all n.
   Errors: ARG, NOMEM; NONFINITE for a row with NaN; UNSUPPORTED for a mixture under higher-order scores, which has no
   closed form, and for a sum of more than two, with a structured link, a gamma above 1e5, or two NORMMAX. */
HFY_API hfy_status hfy_sep_value(const hfy_sep *sep, const hfy_real *y, size_t rows, size_t n, double *omega,
                                 hfy_work *work);

/* omega_star[j] = Omega*(theta_j) = max over y of theta.y - Omega(y); `plus` adds its own. Errors as hfy_sep_apply. */
HFY_API hfy_status hfy_sep_conjugate(const hfy_sep *sep, const hfy_real *theta, size_t rows, size_t n,
                                     double *omega_star, hfy_work *work);

/* loss[j] = Omega(y) + Omega*(theta) - theta.y >= 0, the Fenchel-Young loss (HFY eq. 5): 0 if and only if y is
   prediction(theta); its gradient by theta is prediction(theta) - y. +INFINITY for y outside the domain or with weight
   on a masked score. Large scores do not cancel. `plus`: the losses of the two links at the best split of y. Errors as
   hfy_sep_apply; UNSUPPORTED for targets whose hfy_sep_value is (but the prediction itself has loss 0). */
HFY_API hfy_status hfy_sep_loss(const hfy_sep *sep, const hfy_real *theta, const hfy_real *y, size_t rows, size_t n,
                                double *loss, hfy_work *work);

/* The margin m: a score m or more above all others takes all the weight (HFY Def. 5, Prop. 6). KSUBSETS, whole k: the
   k-th that far above the (k+1)-th; k below 1: m = rho k, and the weight is k; other k: none (docs/math.md, section 5).
   INFINITY where there is none, where bounds are set, or where sep is not valid; `plus`: the larger. */
HFY_API double hfy_sep_margin(const hfy_sep *sep);

#endif /* HFY_HAS_SEP_ */

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

#ifdef HFY_HAS_POST_
/* q[j*n + i] for each row of z. z: rows x n; previous: rows x n, what sign(0) keeps (NULL: 0); q may be z, and for SIGN
   previous too. Zero vectors: L2 gives 0; constant ones: LAYERNORM gives delta. Cost O(n) a row, LINEAR O(n^2).
   Errors: ARG (NULL, n = 0, a parameter outside its range, LAYERNORM with n = dof_minus, no matrix), NOMEM; one row:
   NONFINITE (z not finite, or the result beyond the range of hfy_real), that row untouched. */
HFY_API hfy_status hfy_post_apply(const hfy_post *post, const hfy_real *z, const hfy_real *previous, size_t rows,
                                  size_t n, hfy_real *q, hfy_work *work);

/* Where hfy_post_vjp writes; NULL members are left out. Parameters are summed over the rows. */
typedef struct hfy_post_grad {
  hfy_real *z;                   /* rows x n; may be dq itself */
  hfy_real *gain, *delta;        /* n each: LAYERNORM (gain: at eta, the same for all, if post->gain is NULL) */
  hfy_real *matrix;              /* n x n: LINEAR */
  double *beta, *radius;         /* 1, as all below: TANH; L2 */
  double *eta, *eps;             /* LAYERNORM without post->gain; L2, LAYERNORM: at eps = 0 from above */
  double *power, *sigma, *theta; /* RECTIFIED_POWER; sigma at 0 from above, and 0 there for z = theta */
} hfy_post_grad;

/* Vector-Jacobian products at z for the cotangent dq (rows x n each). Overwrites what it is given. SIGN, zero vectors
   under L2, constant ones under LAYERNORM (without eps): 0. Errors: ARG, NOMEM, UNSUPPORTED (no such parameter). */
HFY_API hfy_status hfy_post_vjp(const hfy_post *post, const hfy_real *z, const hfy_real *dq, size_t rows, size_t n,
                                const hfy_post_grad *grad, hfy_work *work);

/* psi[j] = Psi(q_j); +INFINITY outside its domain (an infinite q too), judged with a tolerance of max(1e-9, 8 eps)
   (1 + radius + |delta|). Errors: ARG, NOMEM, NONFINITE (a row with NaN); UNSUPPORTED where no Psi exists: a matrix
   that is not symmetric positive definite, a gain vector, sigma > 0. */
HFY_API hfy_status hfy_post_value(const hfy_post *post, const hfy_real *q, size_t rows, size_t n, double *psi,
                                  hfy_work *work);

/* psi_star[j] = Psi*(z_j) = max over q of z.q - Psi(q). Errors as hfy_post_value; NONFINITE for infinities too. */
HFY_API hfy_status hfy_post_conjugate(const hfy_post *post, const hfy_real *z, size_t rows, size_t n, double *psi_star,
                                      hfy_work *work);

#endif /* HFY_HAS_POST_ */

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
  const struct hfy_index *index; /* the keys prepared by hfy_index_build: DOT with a margin then reads far fewer bytes
                                    for the same bits; ignored where it cannot help; or NULL */
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
  size_t *best;         /* the heaviest pattern of the last step's p; the lowest index of ties; 0 if p = 0 */
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

#ifdef HFY_HAS_NET_
/* Runs every query through the net until it stands still or max_steps are made.
   queries: n_queries x dim. out: n_queries x dim, or x readout_dim with a readout; may be queries if the widths agree.
   Cost a step and query: N dim multiply-adds for the scores, |support| dim for the projection; a query that stands
   still costs nothing more, nor does a step from one pattern's state that another query has made. A query alone (with
   an index up to 15; dots, rows of 1 KiB and more, without an index 4 MiB of them; a separation with a margin; neither
   bias nor mask; a build with the room index) takes bounds of its scores along, 2 MiB at most, and from its second step
   on mostly scores only the patterns that can matter. Where p is one-hot the pattern is copied to the bit. The bits of
   an answer depend neither on the other queries nor on the number of threads.
   With the EXP separation p is kept as e^(theta - max theta) so that nothing overflows inside; report->weights are
   e^theta, +INFINITY where hfy_real cannot hold them.
   Running into max_steps is HFY_OK (see residual). A cycle in the last bits counts as standing still; round a wider
   one (a synchronous classical net has them) whole turns are skipped, and the answer is that of max_steps all the same.
   SOFTMAX and EXP keep running sums in one pass over the keys; asked for support, top, weights or energies they keep
   whole rows of weights, in more memory, with answers equal up to rounding. All others give the same bits either way.
   Errors before anything is written: ARG (an index of other keys, too), NOMEM, UNSUPPORTED (report->energy where no
   energy exists). Errors of one query, whose outputs stay untouched while all others are answered; the first is
   returned: NONFINITE (NaN or +INFINITY in its scores, or a state beyond the range of hfy_real), ARG (every pattern
   masked, or k above the unmasked), INFEASIBLE (bounds). */
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
  double *alpha, *gamma, *upper, *lower, *transition, *transitions; /* the separation's: see hfy_sep_grad */
  hfy_post_grad post; /* the post-transformation's parameters; its z must be NULL: the state's is `queries` */
} hfy_grad;

/* Reverse mode: adds to grad the vector-Jacobian products of hfy_retrieve at dout (the shape of out), through all the
   steps that hfy_retrieve makes (how many is taken as constant). Zero the arrays first for the bare gradient.
   Runs the forward pass again: memory (max_steps+1) dim a query, time about three times that of the retrieval.
   Errors as hfy_retrieve: a query with an error adds nothing. UNSUPPORTED: a parameter that the separation or the post
   has not, EXP beyond the range of hfy_real. */
HFY_API hfy_status hfy_retrieve_vjp(const hfy_net *net, const hfy_real *queries, size_t n_queries, const hfy_real *dout,
                                    const hfy_grad *grad, hfy_work *work);

/* energy[j] = -1/beta Omega*(beta K q + bias) + Psi(q) + 1/2 sum self_coupling q^2 (HFY eq. 6, no constant): what the
   steps descend (CCCP; step = 1, no self-coupling). +INFINITY for q outside dom Psi. q: n_queries x dim.
   Errors: UNSUPPORTED where no energy exists: a similarity other than DOT, values that are not the keys, or a post
   without Psi; else as hfy_retrieve. */
HFY_API hfy_status hfy_energy(const hfy_net *net, const hfy_real *q, size_t n_queries, double *energy, hfy_work *work);

/* dq[j] = dE/dq = grad Psi(q) + self_coupling o q - K^T p, p = separation(beta K q + bias) (HFY eq. 35): q stands still
   where it is 0. q, dq: n_queries x dim; dq may be q. Where Omega* has a kink (ARGMAX) p is the separation's choice. At
   the edge of dom Psi the limit from inside: SIGN, and L2 without eps, give grad Psi = 0, RECTIFIED_POWER at 0 gives
   theta. LAYERNORM: grad Psi within the plane of its domain.
   Errors: as hfy_energy; ARG for a query outside dom Psi or where the slope is infinite (TANH at 1 and -1, L2 and
   LAYERNORM with eps on their sphere), NONFINITE for a gradient beyond hfy_real: such a row stays untouched. */
HFY_API hfy_status hfy_energy_gradient(const hfy_net *net, const hfy_real *q, size_t n_queries, hfy_real *dq,
                                       hfy_work *work);

/* The constants that the papers add to the raw energy; u = prediction(0), M = max |x_i|, -Omega(u) = Omega*(0). */
typedef enum hfy_energy_form {
  HFY_ENERGY_RAW,   /* 0 */
  HFY_ENERGY_PAPER, /* -Omega(u)/beta + M^2/2 (HFY eq. 20; softmax, no post: MHN eq. 2) */
  HFY_ENERGY_FY     /* -Omega(u)/beta + Psi*(X^T u) (HFY eq. 6: a difference of Fenchel-Young losses) */
} hfy_energy_form;

/* *constant for one of these forms. Cost: N dim. Errors, nothing written: as hfy_net_check; ARG (NULL, form), NOMEM;
   UNSUPPORTED where hfy_energy is; the separation's own where u does not exist. */
HFY_API hfy_status hfy_energy_constant(const hfy_net *net, hfy_energy_form form, double *constant, hfy_work *work);

/* Checks everything about a net that does not depend on the queries and, if resolved is not NULL, gives back the net
   with all defaults filled in. Errors: ARG with the member, its value and what it should have been. */
HFY_API hfy_status hfy_net_check(const hfy_net *net, hfy_net *resolved, hfy_work *work);

#endif /* HFY_HAS_NET_ */

#ifdef HFY_HAS_FILE_
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

#endif /* HFY_HAS_FILE_ */

#ifdef HFY_HAS_SHARD_
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
   What goes wrong with one query (NaN in its scores, too many candidates) travels in the partial until hfy_shard_finish
   reports it. Here a net has a readout if readout_dim is not 0. max_steps and tol are not used: for more steps finish
   in one place, send the new states to all and find again, without the readout in all but the last.
   EXAMPLE  two halves, here one after the other in one process:
     hfy_net slice = net;
     size_t half = net.count / 2, bytes = hfy_shard_bytes(&net, n_queries, 0);
     slice.count = half;
     hfy_shard_find(&slice, 0, queries, n_queries, 0, a, bytes, &work);
     slice.count = net.count - half;
     slice.keys += half * net.dim; (values, readout and bias move on likewise)
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
   An index is the slice's. Cost: a step of hfy_retrieve; with a margin nothing is projected. The bits depend on neither
   threads nor batch nor index.
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

#endif /* HFY_HAS_SHARD_ */

#ifdef HFY_HAS_THEORY_
/* ------------------------------------------------------------------------------------------------------------------
   >>theory   what the papers prove, computed for a given net: separations, exact retrieval, capacities, error bounds
   ------------------------------------------------------------------------------------------------------------------ */

/* Computed in double, whatever hfy_real is. Functions that take a net want DOT scores; those that speak of its energy
   or of softmax the plain net: values that are the keys, no bias, visible, self_coupling, post or step (UNSUPPORTED
   names the member). Where a promise hangs on a comparison, the network itself compares scores rounded to hfy_real: the
   two agree unless the slack is below that rounding, 4 eps sqrt(dim) |x||q| (see ACCURACY).
   Errors of all that take a net: as hfy_net_check, ARG (NULL), NOMEM, UNSUPPORTED, NONFINITE (a key, a query). Those of
   numbers alone write nothing on an error. */

/* What is known of every pattern. Each pointer is optional and has room for N entries. */
typedef struct hfy_theory_separation {
  double *separation; /* Delta_i = x_i.x_i - max over j != i of x_i.x_j (HFY 4.5, MHN eq. 5); +INFINITY if N = 1 */
  size_t *rival;      /* the j of that maximum, the lowest of ties; SIZE_MAX if N = 1 */
  unsigned char *stationary; /* 1: Delta_i >= m/beta. A step from x_i then returns x_i (HFY Prop. 9.1) */
  double *radius; /* the largest eps for which every query within eps of x_i is answered by x_i in one step: the min
                     over j of (x_i.(x_i - x_j) - m/beta) / |x_i - x_j|. Negative: not even x_i itself is */
  double *radius_bound; /* HFY Prop. 9.3's smaller one, (Delta_i - m/beta) / (2 max|x|) */
} hfy_theory_separation;
/* Fills what out asks for. stationary and the radii take the margin m of net->sep (UNSUPPORTED if it has none, or k is
   not 1) and the weights p alone: with a post-transformation x_i is returned as post(x_i), which is x_i where post is
   idempotent and x_i in its image (HFY Prop. 11). values, bias and visible are not looked at.
   "If" of Prop. 9.1 always holds, "only if" for an x_i outside the hull of the others.
   Cost: N^2 dim / 2 multiply-adds, shared out among workers; the bits do not depend on how many.
   Scratch a worker: about 2048 dim + 24 N + 460,000 bytes.
   EXAMPLE  double delta[N]; hfy_theory_separation out = {0}; out.separation = delta;
            hfy_theory_separate(&net, &out, &work); */
HFY_API hfy_status hfy_theory_separate(const hfy_net *net, const hfy_theory_separation *out, hfy_work *work);

/* Will one step answer these queries exactly (HFY Prop. 9.2; k-subsets: Prop. 14 in its sharp form)?
   slack[j] = (k-th best of x.q + bias/beta) - (the (k+1)-th best) - m/beta, k that of KSUBSETS and ARGMAX, else 1.
   It is >= 0 if and only if p is 1 on the k best patterns and 0 elsewhere, so that the step returns the sum of their
   values; +INFINITY if there are no more than k. chosen: n_queries x k, those patterns in ascending order, whatever
   the slack; or NULL. Masks count as in hfy_retrieve. UNSUPPORTED: no margin, a broken k, `plus`. One query, its
   outputs untouched: NONFINITE, ARG (fewer than k patterns that are not masked). */
HFY_API hfy_status hfy_theory_retrieves(const hfy_net *net, const hfy_real *queries, size_t n_queries, double *slack,
                                        size_t *chosen, hfy_work *work);

/* Bounds on the energy with the constant HFY_ENERGY_PAPER (HFY Prop. 7) for the plain net with a negentropy on the
   simplex (SOFTMAX, SPARSEMAX, ENTMAX, NORMMAX without bounds):
     lower[j] = 1/2 |x_k - q|^2, k the best pattern: at any q
     *upper   = min(2 M^2, M^2/2 - Omega(1/N)/beta), M = max|x|: at any q in the hull of the patterns
   Each may be NULL. NONFINITE of one query leaves its entry untouched. */
HFY_API hfy_status hfy_theory_bound_energy(const hfy_net *net, const hfy_real *queries, size_t n_queries, double *lower,
                                           double *upper, hfy_work *work);

/* Patterns on a sphere, for the capacities. */
typedef struct hfy_theory_sphere {
  double dim;     /* D >= 2 */
  double radius;  /* M > 0, the length of the patterns; MHN writes K sqrt(D - 1) */
  double beta;    /* > 0 */
  double margin;  /* HFY: m >= 0 */
  double failure; /* random patterns: the probability 0 < p <= 1 with which the promise may fail */
  double angle;   /* HFY, placed patterns: the least angle between two, in (0, pi/2); 0 = pi/3 */
  double zeta;    /* HFY, random patterns: > 1; 0 = the root of its limit */
} hfy_theory_sphere;

/* How many patterns are stored and retrieved exactly in one step, and from how far (HFY Prop. 10, mended: the counts
   are lower bounds). A count may be +INFINITY; its logarithm is finite. */
typedef struct hfy_theory_exact {
  double placed_log, placed_count; /* patterns placed at will: sqrt(2 pi D) cos(angle) / sin(angle)^(D-1) */
  double placed_radius;            /* eps = M/2 (1 - cos angle) - m/(2 beta M); above 0 or nothing is promised */
  double zeta_limit;               /* zeta must be below 1/arccos(1 - m/(beta M^2)); 0 if there is none */
  double zeta;                     /* the one used */
  double random_log, random_count; /* random patterns: sqrt(2p/kappa_(D-1)) zeta^((D-1)/2) */
  double random_radius;            /* eps = M/2 (1 - cos(1/zeta)) - m/(2 beta M) (HFY eq. 22) */
  double kappa;                    /* kappa_(D-1) of HFY eq. 40 */
} hfy_theory_exact;
/* Errors: ARG (NULL, a member of the sphere that it reads out of range). */
HFY_API hfy_status hfy_theory_capacity_exact(const hfy_theory_sphere *sphere, hfy_theory_exact *out, hfy_work *work);

/* How many random patterns softmax stores (MHN Theorem 3 = A5): sqrt(p) c^((d-1)/4). d = dim, K sqrt(d-1) = radius and
   p = failure are those of the sphere; margin, angle and zeta are not read. */
typedef struct hfy_theory_softmax {
  double a, b, c;          /* MHN A322 */
  double c_needed;         /* (2/sqrt p)^(4/(d-1)) (A323; mended in Theorem 3): the promise holds from here on */
  double c_bound;          /* Corollary A1's lower bound of c, without Lambert's function */
  double log_count, count; /* the promise; count may be +INFINITY */
  int holds;               /* 1: c >= c_needed */
} hfy_theory_softmax;
/* Errors: as hfy_theory_capacity_exact. */
HFY_API hfy_status hfy_theory_capacity_softmax(const hfy_theory_sphere *sphere, hfy_theory_softmax *out,
                                               hfy_work *work);

/* The dimension from which on c^((d-1)/4) patterns of length K sqrt(d-1) are stored with probability 1 - p (MHN Theorem
   A6). k: K; failure: p. Errors: ARG (NULL, beta, k or c not above 0, failure not in (0, 1]), UNSUPPORTED where A6
   gives none. */
HFY_API hfy_status hfy_theory_dimension(double beta, double k, double c, double failure, double *dim, hfy_work *work);

/* Left side minus right side of the inequality by which MHN's other theorems promise N patterns of length K sqrt(d-1):
   they are stored if it is >= 0. (The placements of A3 and A4 do not exist in general: HFY, footnote 7.)
   Errors: ARG (NULL, law, dim below 2, beta or k not above 0, c below 1). */
typedef enum hfy_theory_law {
  HFY_THEORY_PLACED,  /* A3, A4 (A306): N = c^(d-1) patterns; A3 is c = 4, A4 c = 8 */
  HFY_THEORY_EXPECTED /* A7 (A376): N = c^((d-1)/4) random patterns, for their expected least separation */
} hfy_theory_law;
HFY_API hfy_status hfy_theory_slack(hfy_theory_law law, double dim, double beta, double k, double c, double *slack,
                                    hfy_work *work);

/* Binary patterns and F = exp (MHN Theorem A10): with `flipped` of the bits wrong (0 .. 1/2), e^(rate dim) + 1 random
   patterns are each restored in one sweep, as dim grows, for any rate below *rate = I(1 - 2 flipped)/2. count may be
   NULL: e^(*rate dim) + 1, where the promise ends; dim >= 1 is read for it alone. Errors: ARG. */
HFY_API hfy_status hfy_theory_capacity_binary(double flipped, double dim, double *rate, double *count, hfy_work *work);

/* One pattern of a plain SOFTMAX net: what MHN's Theorems 4 and 5 and Lemma A5 promise, next to what is measured. */
typedef struct hfy_theory_convergence {
  double separation; /* Delta_i */
  double largest;    /* M = max|x| */
  double sphere;     /* 1/(beta N M) (A130): within this of x_i is one fixed point, where all points end, if ... */
  double needed;     /* ... Delta_i >= it, 2/(beta N) + log(2 (N-1) N beta M^2)/beta (A131; Lemmas A5, A6) */
  int stored;        /* 1: it is */
  int inside;        /* 1: the query is in the sphere */
  /* measured: the fixed point x* that the iteration reaches from x_i */
  size_t steps;          /* that it took, 10,000 at most */
  double residual;       /* |f(x*) - x*| */
  double error;          /* |x_i - x*|: the retrieval error */
  double query_distance; /* |xi - x_i|, xi the query */
  double before, after;  /* |xi - x*| and |f(xi) - x*| */
  /* promised */
  double contraction;  /* Theorem 4 (eq. 7, A383): after <= contraction before */
  double error_bound;  /* Theorem 5 (eq. 8, A390): error <= it, which needs the measured error */
  double error_sphere; /* eq. 9: the same for an error of 1/(beta N M) at most */
  double error_closed; /* 2e (N-1) M e^(-beta Delta_i) (A391, mended): for an error of 1/(2 beta M) at most */
} hfy_theory_convergence;
/* query: dim, or NULL = x_i itself. Cost: N dim a step. ARG: pattern >= N. UNSUPPORTED: not a plain SOFTMAX net. */
HFY_API hfy_status hfy_theory_converges(const hfy_net *net, size_t pattern, const hfy_real *query,
                                        hfy_theory_convergence *out, hfy_work *work);

/* The Jacobian of a plain SOFTMAX net's step, beta X^T (diag p - p p^T) X = beta Var_p[x] (MHN A48). */
typedef struct hfy_theory_jacobian_norm {
  double norm;        /* |J|, the spectral norm: below 1 the step contracts here */
  double by_spectrum; /* 2 beta |X|^2 m, m = max p(1-p) */
  double by_largest;  /* 2 beta N M^2 m (A49) */
  double by_spread;   /* beta m_max^2, m_max = max|x - mean| (A71): below 1 there is one fixed point, near the mean */
  double by_top;      /* 2 beta N M^2 eps(1 - eps), eps = 1 - max p (A50); +INFINITY for eps > 1/2 */
} hfy_theory_jacobian_norm;
/* At one query of dim. jacobian: dim x dim, or NULL; norms: or NULL. UNSUPPORTED: not a plain SOFTMAX net.
   Cost: N dim for each of a few dozen Lanczos steps; the matrix N dim^2. */
HFY_API hfy_status hfy_theory_jacobian(const hfy_net *net, const hfy_real *query, double *jacobian,
                                       hfy_theory_jacobian_norm *norms, hfy_work *work);

/* The terms of exact structured retrieval (HFY Prop. 14, in a sharper form: only unary bits count, rho is any). */
typedef struct hfy_theory_association {
  double separation; /* Delta: the least of (score of y - score of y')/beta over all vertices y' with other unaries,
                        the scores those of the query X^T y; INFINITY if there is no other */
  double overlap;    /* the most of 2 u_y.(u_y - u_y'): D^2, where vertices have equally many unaries on */
  double distance;   /* D^2: the most unary bits in which another vertex differs */
  double spectral;   /* sigma_max(X), from above: within 1e-6 of it */
  double longest;    /* M = max |x_i| */
  double needed;     /* rho overlap / (2 beta): X^T y stands still if separation >= needed */
  double radius;     /* (separation - needed) / min(spectral D, M D^2): every query within this distance of X^T y has
                        X^T y as the answer of one step; negative: nothing is promised */
} hfy_theory_association;
/* Does a net retrieve the association X^T y, the sum of these patterns, and from how far? patterns: count of them, each
   once: the unary bits of a vertex y. For SPARSEMAX (count = 1), KSUBSETS (whole k), SEQUENCE_KSUBSETS and SPARSEMAP,
   whose structure may not have a vertex that holds all of y's unaries and more.
   Exact arithmetic is assumed: at the very edge rounding decides. Whether a single query q is answered with X^T y tells
   hfy_structure_margin at the scores beta X q + bias. Cost: count + 4 calls of the oracle, and min(N, dim)^2 max(N,
   dim) for the spectral norm. Scratch: 8 min(N, dim)^2 + 4,000 min(N, dim) bytes, about.
   ARG: a pattern out of range or twice, patterns that are no vertex. UNSUPPORTED: another separation, bounds, `plus`,
   values that are not the keys, a post, self_coupling, a bias for each query, a vertex above y. */
HFY_API hfy_status hfy_theory_associates(const hfy_net *net, const size_t *patterns, size_t count,
                                         hfy_theory_association *association, hfy_work *work);

/* The size of a metastable state (MHN, "Operating classes"): sizes[j] is the least number of weights of row j that sum
   to `mass` (0 = 0.90) or more; n if even all do not. weights: rows x n, none negative.
   Errors: ARG (NULL, n = 0, mass outside 0 .. 1), NOMEM; one row: NONFINITE, ARG (a negative weight). */
HFY_API hfy_status hfy_theory_metastable(const hfy_real *weights, size_t rows, size_t n, double mass, size_t *sizes,
                                         hfy_work *work);

/* The operating class of a head over n patterns from its `count` sizes: 1 if n/2 < median, 2 if n/8 < median, 3 if
   n/32 < median, else 4 (MHN I .. IV). median may be NULL. Errors: ARG (NULL, 0, a size above n), NOMEM. */
HFY_API hfy_status hfy_theory_classify(const size_t *sizes, size_t count, size_t n, int *operating, double *median,
                                       hfy_work *work);

/* Lambert's W: w e^w = x. branch 0: x >= -1/e, w >= -1; branch -1: -1/e <= x < 0, w <= -1. Within a few ulp, but next
   to -1/e, where w itself is sensitive. Errors: ARG (NULL, another branch), UNSUPPORTED (x outside; NaN). */
HFY_API hfy_status hfy_theory_lambert(int branch, double x, double *w, hfy_work *work);
/* W_0(e^u), whatever the size of u: w + log w = u. NaN for NaN. */
HFY_API double hfy_theory_lambert_exp(double u);

#endif /* HFY_HAS_THEORY_ */

#ifdef HFY_HAS_RECALL_
/* ------------------------------------------------------------------------------------------------------------------
   >>recall   one item after another: free recall and sequential recall (HFY section 6), causal and forgetting biases
   ------------------------------------------------------------------------------------------------------------------ */
typedef enum hfy_recall_kind {
  HFY_RECALL_BOUNDED,   /* free recall, every pattern's weight bounded by what is left of it (HFY Algorithm 1) */
  HFY_RECALL_PENALISED, /* free recall, recalled patterns penalised for a while (HFY Algorithm 2) */
  HFY_RECALL_SEQUENTIAL /* the next in the order of storage, through sequential 2-subsets (HFY Algorithm 3) */
} hfy_recall_kind;

/* Zeroed = the paper's settings with Algorithm 1; SEQUENTIAL departs from it by rho and the cue. */
typedef struct hfy_recall {
  size_t inner_steps; /* T: retrieval steps an item; 0 = 20 */
  hfy_recall_kind kind;
  double penalty;    /* PENALISED, SEQUENTIAL: lambda > 0; 0 = 1e9 */
  double decay;      /* the same: 0 < tau <= 1 of the moving average; 0 = 1e-3 */
  double transition; /* SEQUENTIAL: t > 0, the score of two neighbours, not multiplied by beta; 0 = 1e8 */
  double boost;      /* SEQUENTIAL: omega >= 1, the last item's penalty is tau (1 - omega); 0 = 1.1; best below 2 */
  double rho;        /* SEQUENTIAL: weight > 0 of the 2-subsets' quadratic; 0 = 1; 2 = the paper's and its code's */
  double inner_beta; /* SEQUENTIAL: beta > 0 of the T inner steps (net->beta is the 2-subsets'); 0 = 1, as printed */
  int bare_cue;      /* SEQUENTIAL: 0: the cue is the last item. 1: as printed, nothing: recall may start anywhere */
} hfy_recall;

/* Where a recall stands. The arrays are yours and last as long as it; copy them and the struct to branch off. */
typedef struct hfy_recall_state {
  double *left;      /* N. BOUNDED: what is left of each pattern's weight, from 1 down; else the moving average a */
  hfy_real *query;   /* D: the state of the walk */
  hfy_real *weights; /* N: p of the last retrieval step; before one all 0 */
  size_t recalled;   /* items so far */
  int exhausted;     /* 1: BOUNDED, and less than one item's weight is left: nothing more can be recalled */
} hfy_recall_state;

/* Begins: fills the arrays of state. cue: D, may be state->query itself.
   net: its sim, beta, keys, values, sep (BOUNDED: ignored, it is sparsemax), post, bias and visible (one query; masked
   patterns are never recalled) and tol. No readout, self_coupling or step (UNSUPPORTED); max_steps is not used.
   SEQUENTIAL recalls what is stored after the pattern close to the cue, which counts as the item before: T inner steps
   take it to p and the query, and a_i = tau (p_i + p_i+1 - omega p_i). bare_cue: a is 0, the query the cue. Item i
   leads to i + 1 if it is its own attractor and, S the largest difference of similarities to i, lambda tau (omega - 1)
   >= 2 S + 2 rho/beta, lambda tau (2 - omega) >= S + rho/beta, t >= beta S + rho (math 15). The last leads anywhere.
   Errors: as hfy_net_check; ARG (NULL, a member of how outside its range, SEQUENTIAL: fewer than 2 patterns that are
   not masked), NONFINITE (the cue); SEQUENTIAL without bare_cue: as hfy_retrieve. */
HFY_API hfy_status hfy_recall_begin(const hfy_net *net, const hfy_recall *how, const hfy_real *cue,
                                    hfy_recall_state *state, hfy_work *work);

/* Recalls one item: the heaviest pattern after T inner steps, the lowest of ties. Once nothing is left, *item is
   SIZE_MAX, state->exhausted 1, nothing else changes: HFY_OK. Cost: at most T steps of hfy_retrieve, SEQUENTIAL also a
   hfy_structure_solve, O(N) a step. Errors, state and item untouched: as begin, hfy_retrieve; CONVERGENCE. */
HFY_API hfy_status hfy_recall_next(const hfy_net *net, const hfy_recall *how, hfy_recall_state *state, size_t *item,
                                   hfy_work *work);

/* Begin and next in one: recalls `count` items (0 = N) into items; *made (or NULL): how many there were before the
   weights were exhausted, the rest of items is SIZE_MAX. Errors: as the two; NOMEM (scratch: theirs, 12 N or 16 N bytes
   and a row). An error midway leaves the items before it and *made. */
HFY_API hfy_status hfy_recall_all(const hfy_net *net, const hfy_recall *how, const hfy_real *cue, size_t count,
                                  size_t *items, size_t *made, hfy_work *work);

/* The unique memory ratio: how many different patterns are among the items, over n, the patterns there are (HFY 6.3).
   SIZE_MAX entries do not count. Errors: ARG (NULL, n = 0, an item of n or more), NOMEM. */
HFY_API hfy_status hfy_recall_unique(const size_t *items, size_t count, size_t n, double *ratio, hfy_work *work);

/* Levenshtein distance of two sequences, and the coefficient 1 - distance/count (HFY 6.3), count >= 1 the length of the
   first; either may be NULL. Cost: count x n_reference. Errors: ARG, NOMEM. */
HFY_API hfy_status hfy_recall_levenshtein(const size_t *items, size_t count, const size_t *reference,
                                          size_t n_reference, size_t *distance, double *coefficient, hfy_work *work);

/* Fills rows x n biases for hfy_net.bias (bias_stride = n): row j is a query when `first` + j patterns have been seen
   (at most n: then all). The newest of them gets 0, the one before -forget, the next -2 forget, ...; those to come
   -INFINITY (MHN A2.7: causal masking; A443, mended: forgetting). forget 0: the mask alone. It is added to beta x.q, so
   forget is not multiplied by beta. Errors: ARG (NULL, first = 0 or above n, forget negative or not finite, sizes). */
HFY_API hfy_status hfy_recall_bias(double forget, size_t first, size_t rows, size_t n, hfy_real *bias, hfy_work *work);

#endif /* HFY_HAS_RECALL_ */

#ifdef HFY_HAS_BINARY_
/* ------------------------------------------------------------------------------------------------------------------
   >>binary   memories of +1 and -1: Hebbian and pseudo-inverse weights, asynchronous recall, dense memories by energy
              differences (MHN eq. A529, A530)
   ------------------------------------------------------------------------------------------------------------------ */
typedef enum hfy_binary_rule {
  HFY_BINARY_HEBBIAN,       /* W = X^T X: sums of products, not divided, so that whole numbers stay exact */
  HFY_BINARY_PSEUDO_INVERSE /* W = X^+ X, the projection onto the span of the patterns: each pattern is W's own */
} hfy_binary_rule;

/* weights[j*dim + k] for `count` patterns of dim finite numbers, stride apart (0 = dim); self_coupling 0 zeroes the
   diagonal. Dependent patterns are fine. Cost: count dim^2 multiply-adds, PSEUDO_INVERSE also count^2 dim; scratch:
   count dim and dim^2 doubles, and count^2. Errors, nothing written: ARG (NULL, sizes), NOMEM, NONFINITE (patterns). */
HFY_API hfy_status hfy_binary_weights(hfy_binary_rule rule, const hfy_real *patterns, size_t count, size_t dim,
                                      size_t stride, int self_coupling, hfy_real *weights, hfy_work *work);

/* The same memory as a net, without dim x dim weights: hfy_retrieve updates all bits at once. *net borrows the arrays:
   `keys` (HEBBIAN: NULL; PSEUDO_INVERSE: count x dim, gets the duals of the patterns, its values) and `coupling` (dim:
   the diagonal, taken out again; NULL keeps it). Set net->max_steps yourself. Errors as hfy_binary_weights. */
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

typedef struct hfy_binary { /* a binary memory and how it is run; borrows its arrays */
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

typedef struct hfy_binary_report { /* every pointer optional, one entry a query unless said */
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
   dim. With an asynchronous order the energy never rises (WEIGHTS: if symmetric with a diagonal >= 0). Cost a sweep and
   query: dim count lookups, WEIGHTS dim^2 multiply-adds. Scratch: dim count bytes and little more. Errors, nothing
   written: ARG (NULL, sizes, kind, degree, sequence; patterns or queries not +1 or -1; weights not finite), NOMEM.
   EXAMPLE  hfy_binary memory = {0};
            memory.dim = D, memory.count = N, memory.patterns = x, memory.kind = HFY_BINARY_EXP;
            hfy_binary_recall(&memory, cues, n, recalled, NULL, &work); */
HFY_API hfy_status hfy_binary_recall(const hfy_binary *memory, const hfy_real *queries, size_t n_queries, hfy_real *out,
                                     const hfy_binary_report *report, hfy_work *work);

/* Energies of n states (n x dim), n each as in hfy_binary_report; either may be NULL. Errors as hfy_binary_recall. */
HFY_API hfy_status hfy_binary_energy(const hfy_binary *memory, const hfy_real *states, size_t n, double *energy,
                                     double *log_energy, hfy_work *work);

#endif /* HFY_HAS_BINARY_ */

#ifdef HFY_HAS_KERNEL_
/* ------------------------------------------------------------------------------------------------------------------
   >>kernel   kernel memories of +1 and -1 (KLR-S, KLR-L): training, recall, landscape, spectra, information geometry
   Everything is double in every build. Patterns and states are packed, a bit an entry: two states differ in d bits,
   |x - y|^2 = 4 d and x.y = dim - 2 d, so a kernel is a table over d = 0 .. dim.
   ------------------------------------------------------------------------------------------------------------------ */

/* 64-bit words of dim bits: (dim + 63) / 64. Bit j of a state: word j / 64, bit j % 64, 1 for +1; from dim on 0. */
HFY_API size_t hfy_kernel_words(size_t dim);
/* rows x dim entries of +1 and -1 into rows x words, and back. Errors: ARG (NULL, dim 0; an entry that is neither;
   bits set from dim on). */
HFY_API hfy_status hfy_kernel_pack(const hfy_real *x, size_t rows, size_t dim, uint64_t *packed, hfy_work *work);
HFY_API hfy_status hfy_kernel_unpack(const uint64_t *packed, size_t rows, size_t dim, hfy_real *x, hfy_work *work);

typedef enum hfy_kernel_kind {
  HFY_KERNEL_RBF,        /* K(x, y) = e^(-gamma |x - y|^2) */
  HFY_KERNEL_POLYNOMIAL, /* (gamma x.y + offset)^degree */
  HFY_KERNEL_LINEAR      /* gamma x.y */
} hfy_kernel_kind;

/* A kernel memory: h(x) = sum over mu of alpha_mu K(x, xi_mu), x_i <- sign h_i(x), h_i = 0 keeps the bit. Borrows its
   arrays. Of alpha, alpha_float, alpha_bytes the first not NULL is used, in recall only; all else takes alpha. */
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
  const double *bound;       /* N, what hfy_kernel_bound fills: recall skips patterns that cannot turn a bit (RBF);
                                NULL = all count, or found anew by each call with 256 states or more */
  size_t nearest;            /* recall: only the k nearest patterns count (ties: lowest index); 0 = all */
  hfy_binary_order order;    /* recall: 0 = all bits at once; HFY_BINARY_FIXED, _RANDOM: bit after bit */
  uint64_t seed;             /* RANDOM: state j draws from seed + j */
  size_t max_steps;          /* recall: steps or sweeps; 0 = 30 */
} hfy_kernel;

/* The gamma at which untrained RBF memories of random patterns, of any size, stand out of crosstalk best with a share
   `flipped` of wrong bits: ln((1 - flipped) / flipped) / 8. 0.1: 0.275; 0.3: 0.106. NaN unless 0 < flipped < 1/2. */
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
  HFY_KERNEL_PAPER,    /* a <- a - eta K r, max_iterations times from 0; diverges or oscillates at stability > 1 */
  HFY_KERNEL_NEWTON,   /* Newton's method, neuron by neuron, P^3/3 a step each. A check on the others */
  HFY_KERNEL_RIDGE,    /* kernel ridge regression: (K + lambda)^-1 X. A baseline */
  HFY_KERNEL_PROJECTION, /* the pseudo-inverse rule in feature space: K^+ X. A baseline */
  HFY_KERNEL_RAW       /* X: no training at all. A baseline, and at hfy_kernel_gamma hard to beat */
} hfy_kernel_trainer;

typedef struct hfy_kernel_progress { /* what a callback is told */
  size_t iteration;  /* made so far */
  double residual;   /* max |r| over patterns and neurons where the last step was taken from */
  double residual_0; /* the same at the first step of this call */
} hfy_kernel_progress;

typedef struct hfy_kernel_training { /* zeroed (or NULL) = EXACT with the papers' lambda */
  size_t max_iterations;     /* 0 = EXACT 2000, PAPER 200, NEWTON 100 (for each neuron) */
  hfy_kernel_trainer trainer;
  double lambda;             /* > 0; 0 = 0.01 */
  int unpenalised;           /* PAPER: 1 = lambda is 0 (no optimum exists for patterns that can be told apart) */
  double eta;                /* PAPER: step > 0; 0 = 0.1 */
  double tol;                /* EXACT, NEWTON: stop at max |r| < tol; 0 = 1e-8. PAPER: 0 = make all steps */
  const double *gram;        /* P x P if you have it already; or NULL: made in scratch */
  int (*progress)(void *context, const hfy_kernel_progress *now); /* EXACT, PAPER: after each iteration; not 0 = stop */
  void *context;
  double *state;             /* EXACT, PAPER: room for hfy_kernel_state_size doubles, where training stopped; NULL */
  int resume;                /* 1: go on from `state`: the same bits as if it had never stopped */
} hfy_kernel_training;

typedef struct hfy_kernel_result { /* what came of it */
  size_t iterations;   /* of all calls, resumed ones included; NEWTON: the most of one neuron */
  double residual;     /* max |r| */
  double loss;         /* sum of L over the neurons; dim count ln 2 at alpha = 0 */
  double gap;          /* loss - minimum is at most this (duality gap), whatever the trainer; infinity for lambda = 0 */
  double gram_largest; /* largest eigenvalue of K */
  double stability;    /* eta lambda_max(Hessian at 0) / 2: PAPER is stable at 0 below 1 */
  int unstable;        /* PAPER: stability >= 1 */
  int stopped;         /* by the callback */
} hfy_kernel_result;

/* Doubles of state for stopping and resuming: 4 dim count + 8; SIZE_MAX if there is no such size. */
HFY_API size_t hfy_kernel_state_size(size_t dim, size_t count);

/* Trains: alpha (P x N, written at the end). result may be NULL. Cost an iteration: EXACT and PAPER 2 P^2 N
   multiply-adds; EXACT once P^3/6. Scratch: EXACT 2 P^2 + 7 P N doubles, PAPER P^2 + 4 P N, NEWTON 2 P^2 a worker.
   Duplicate and opposite patterns are fine. Errors: as hfy_kernel_gram, and ARG for options out of range; NONFINITE (a
   run that left the range of double), SINGULAR (K/4 + lambda not positive definite in rounding), CONVERGENCE of NEWTON:
   alpha untouched; CONVERGENCE of EXACT (tol not reached in max_iterations): alpha and result are written and usable.
   EXAMPLE  hfy_kernel k = {0};
            k.dim = N, k.count = P, k.patterns = packed, k.gamma = 0.05;
            if (!hfy_kernel_train(&k, NULL, alpha, &result, &work)) k.alpha = alpha; */
HFY_API hfy_status hfy_kernel_train(const hfy_kernel *kernel, const hfy_kernel_training *training, double *alpha,
                                    hfy_kernel_result *result, hfy_work *work);

/* alpha (n numbers) in a byte each: bytes = round(alpha / scale), scale = largest |alpha| / 127, returned in *scale (or
   NULL: recall needs none). Errors: ARG, NONFINITE. */
HFY_API hfy_status hfy_kernel_quantize(const double *alpha, size_t n, signed char *bytes, double *scale,
                                       hfy_work *work);
/* bound (N): each neuron's largest |alpha|, of whichever alpha there is. Cost P N. Errors: as gram's; NONFINITE. */
HFY_API hfy_status hfy_kernel_bound(const hfy_kernel *kernel, double *bound, hfy_work *work);

/* Fills *net with a net that recalls as this memory does, synchronously: RBF: -1/2 |x - q|^2, beta = 2 gamma, EXP;
   LINEAR: DOT, IDENTITY; values alpha, SIGN. keys and values: room for P x N, which the net borrows. The same bits
   wherever |h_i| exceeds both sides' rounding, eps (P + 16 + 8 gamma N) sum over mu of |alpha_mu,i| K(x, xi_mu), eps of
   hfy_real. Errors: as hfy_kernel_gram; UNSUPPORTED (POLYNOMIAL); NONFINITE (alpha beyond hfy_real). */
HFY_API hfy_status hfy_kernel_net(const hfy_kernel *kernel, hfy_real *keys, hfy_real *values, hfy_net *net,
                                  hfy_work *work);

/* --- recall --- */

typedef struct hfy_kernel_report { /* every pointer optional, one entry a state */
  size_t *steps;   /* made; the last one, if period is 1, changed nothing */
  size_t *period;  /* 1: stands still; 2: a cycle of two (SYNCHRONOUS); 0: max_steps were not enough */
  size_t *flips;   /* bits changed on the way */
} hfy_kernel_report;

/* Runs n packed states until they stand still, alternate between two, or max_steps are made. states, out: n x words,
   may be the same. RBF values are taken relative to the nearest pattern, so none underflows. Cost a step and state: P
   words population counts, then P N multiply-adds; with `nearest` k N. Synchronous steps of many states are one matrix
   product; with `bound` (RBF) those patterns alone are read, k N, that are near a state, wherever the rest together
   cannot turn a bit. No bit depends on that or the batch. Scratch: bit after bit P N doubles; `bound` P words.
   EXAMPLE  hfy_kernel_recall(&k, cues, n, recalled, NULL, &work); */
HFY_API hfy_status hfy_kernel_recall(const hfy_kernel *kernel, const uint64_t *states, size_t n, uint64_t *out,
                                     const hfy_kernel_report *report, hfy_work *work);

/* h: n x N; the potentials of n packed states are h e^shift. shift: n, 0 but for RBF; or NULL: 0, h may underflow. */
HFY_API hfy_status hfy_kernel_potentials(const hfy_kernel *kernel, const uint64_t *states, size_t n, double *h,
                                         double *shift, hfy_work *work);

/* Copies `rows` packed states (out may be states) and flips `flips` <= dim different bits in each, a draw for each. */
HFY_API hfy_status hfy_kernel_flip(const uint64_t *states, size_t rows, size_t dim, size_t flips, hfy_rng *rng,
                                   uint64_t *out, hfy_work *work);
/* n random packed states: each bit is the top bit of a number of rng. */
HFY_API hfy_status hfy_kernel_random(size_t n, size_t dim, hfy_rng *rng, uint64_t *out, hfy_work *work);

/* --- how good a memory is --- */

/* Of the stored patterns, the share that one synchronous step leaves alone, and the least xi h. Either may be NULL. On
   its own `stored` says nothing: see hfy_kernel_census. */
HFY_API hfy_status hfy_kernel_stored(const hfy_kernel *kernel, double *stored, double *margin, hfy_work *work);

/* Basins: recovered[j] = share of the first `patterns` patterns that come back whole from cues with flips[j] bits
   flipped; overlap (or NULL): the mean x.xi / N at the end. The cues of each j start from a copy of *rng (kept). */
HFY_API hfy_status hfy_kernel_basins(const hfy_kernel *kernel, size_t patterns, const size_t *flips, size_t n_flips,
                                     const hfy_rng *rng, double *recovered, double *overlap, hfy_work *work);

typedef struct hfy_kernel_census { /* what random starts meet */
  double fixed;     /* share of random states whose first step changes nothing: near 1 it is the identity map */
  double stored, opposite, spurious; /* shares that end on a pattern, on the opposite of one, on another fixed point */
  double cycles;    /* share that ends in a cycle of two */
  double unsettled; /* share still moving after max_steps */
  size_t different; /* how many different spurious fixed points were met */
  double steps;     /* mean number of steps */
} hfy_kernel_census;

/* Starts from n random states (hfy_kernel_random of *rng) and runs them as hfy_kernel_recall does. */
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
   Cost: 2 P N multiply-adds a point, one by one. NONFINITE: in x. */
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

/* neuron: 0 .. N-1. a: its P dual variables, not kernel->alpha's. gram: P x P or NULL. lambda >= 0, damping >= 0 (0:
   damped values are NaN). gradient, step: P each, K r and the natural step, or NULL. Cost: P^3/6; with damping P^3. */
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

#endif /* HFY_HAS_KERNEL_ */

#ifdef HFY_HAS_RATE_
/* ------------------------------------------------------------------------------------------------------------------
   >>rate   graded attractor networks: weights, stability, theory and dynamics (RATE); double in every build
   ------------------------------------------------------------------------------------------------------------------ */

/* The network  tau dr/dt = -r + g(W r - theta)  (RATE eq. 2), time in units of tau, and the unit that it is made of:
   g(v) = ((sigma/pi) ln(1 + e^(pi v/sigma)))^power  (eq. 3), sigma = 0: max(v, 0)^power. All units share it.
   Patterns are `count` rows of `dim` rates (columns of R in the paper). A pattern r is a fixed point if and only if
   W r = g^-1(r) + theta. W is dim x dim, w[i*dim + j] the weight from unit j to unit i. Load alpha = count/dim.
   Dense: every rate > 0. Sparse: some are exactly 0, sigma must be 0. cv: standard deviation of the rates that are not
   0, whose mean is 1.
   Errors of all: ARG (NULL, a size of 0 or too large, a number out of the range that stands here or not finite),
   NONFINITE (results beyond double), NOMEM, UNSUPPORTED (work->isa). Nothing is written or drawn, but where said. */
typedef struct hfy_rate {
  double power; /* exponent > 0; there is no default */
  double sigma; /* smoothness >= 0; 0 = the sharp rectifier */
  double theta; /* threshold, any sign */
} hfy_rate;
/* g(v), g'(v), g^-1(r) and g'(g^-1(r)), v with the threshold taken off. Relative error below 1e-13 for r from 1e-300
   to 1e300 where the result is a normal number; g underflows to 0 and never becomes NaN for finite v. The inverse
   needs r > 0 (r = 0: 0 for sigma = 0, else -infinity; +infinity gives itself). NaN: a hfy_rate out of range, r < 0. */
HFY_API double hfy_rate_g(const hfy_rate *rate, double v);
HFY_API double hfy_rate_slope(const hfy_rate *rate, double v);
HFY_API double hfy_rate_inverse(const hfy_rate *rate, double r);
HFY_API double hfy_rate_slope_at(const hfy_rate *rate, double r); /* r = 0: 0 (what a silent unit counts) */

/* Log-normal rates of mean 1: r (count x dim); each stays with probability f in (0, 1], else 0. cv in 0 .. 1e6. Draws
   each: f < 1 one uniform, then two (Box-Muller's cosine, none cached): a seed means the same everywhere. */
HFY_API hfy_status hfy_rate_patterns(hfy_rng *rng, double cv, double f, size_t count, size_t dim, double *r,
                                     hfy_work *work);

/* out = r e^(noise z), z normal; then `missing` of the units, drawn anew for each row, are set to the mean of their
   row: perturbed and partial patterns. out may be r. noise >= 0, missing in 0 .. 1 (rounded to a number of units). */
HFY_API hfy_status hfy_rate_perturb(hfy_rng *rng, const double *r, size_t count, size_t dim, double noise,
                                    double missing, double *out, hfy_work *work);

/* Dense patterns: the weights of least norm that make all of them fixed points. self = 0: no self-coupling, the
   diagonal exactly 0 (eq. 20); 1: with it, V times the pseudo-inverse of R (eq. 8). By Householder QR and one step of
   refinement; max|W R - V| <= 1e-9 (1 + max|V|) is checked. w: dim x dim. Cost about 4 dim count (count + 2 dim);
   scratch dim^2 + 3 dim count + 2 count^2 doubles. Errors: INFEASIBLE (count > dim, without self-coupling > dim - 1),
   SINGULAR (dependent patterns; a unit that the patterns pin to itself), NONFINITE (g^-1 out of range). */
HFY_API hfy_status hfy_rate_weights(const hfy_rate *rate, const double *r, size_t count, size_t dim, int self,
                                    double *w, hfy_work *work);

/* What there is to say about each row of sparse weights; NULL members are left out. */
typedef struct hfy_rate_rows {
  hfy_status *status;  /* dim: OK, INFEASIBLE, CONVERGENCE */
  size_t *active;      /* dim: inequalities that hold with equality */
  double *multipliers; /* dim x count: w_i = sum over mu of lambda_mu r^mu off the diagonal; <= 0 where r_i^mu = 0 */
} hfy_rate_rows;
/* Sparse patterns: row i solves  min |w|^2,  w_i = 0,  w.r^mu = theta + g^-1(r_i^mu) where r_i^mu > 0,
   w.r^mu <= theta - margin where r_i^mu = 0  (eq. 4, sharp rectifier), by a dual active-set method (Goldfarb, Idnani)
   on the Gram matrix. margin >= 0 (the paper: 0). Dense patterns are the case without inequalities. Rows are
   independent: one that has no solution becomes 0, its status says so, all others are right, and the call returns
   INFEASIBLE (or CONVERGENCE: 20 count + 100 steps were not enough). The method ends with a certificate, so
   INFEASIBLE is a proof up to rounding. Cost: seconds for dim 300 at 0.9 of the capacity.
   Scratch: count^2 + workers (m^2 + m count + 8 count) doubles, m = min(count, dim). */
HFY_API hfy_status hfy_rate_weights_sparse(const hfy_rate *rate, const double *r, size_t count, size_t dim,
                                           double margin, double *w, const hfy_rate_rows *rows, hfy_work *work);

/* The dense fixed-point map as a hfy_net: q <- q + step (g(W q - theta) - q), with W = V R+ - diag(gamma)(I - R R+).
   keys (count x dim): the rows of R+;  values (count x dim): V + gamma R;  self_coupling (dim): gamma; with self = 1
   gamma is 0. The arrays are yours, *net borrows them; for hfy_retrieve: IDENTITY, RECTIFIED_POWER, beta 1, tol and
   max_steps 0. 0 < step <= 1. In float fixed points round by about 1e-7 |W| |r|. Errors as hfy_rate_weights. */
HFY_API hfy_status hfy_rate_net(const hfy_rate *rate, const double *r, size_t count, size_t dim, int self, double step,
                                hfy_real *keys, hfy_real *values, hfy_real *self_coupling, hfy_net *net,
                                hfy_work *work);

/* j = -I + diag(g'(g^-1(r))) W at one pattern r of dim rates (eq. 5); silent units (r = 0, sigma = 0) have slope 0. */
HFY_API hfy_status hfy_rate_jacobian(const hfy_rate *rate, const double *w, const double *r, size_t dim, double *j,
                                     hfy_work *work);

/* What stands out in the spectrum of a Jacobian. Every eigenvalue is judged by its right eigenvector u. */
typedef struct hfy_rate_modes {
  size_t memory;      /* index of the eigenvalue whose u has the largest |Pearson correlation| with the pattern */
  size_t average;     /* of the others, the one whose u has the largest |cosine| with the uniform vector */
  double correlation; /* that of memory; below about 0.5 it has sunk into the bulk */
  double overlap;     /* that of average */
  double bulk;        /* largest real part once memory and average (and their conjugates) are set aside */
  double abscissa;    /* largest real part of all */
} hfy_rate_modes;
/* All eigenvalues of the Jacobian at one pattern, in the order of hfy_eigenvalues; a silent unit counts -1.
   modes may be NULL, which saves the eigenvectors: with them the cost doubles. Errors: CONVERGENCE. */
HFY_API hfy_status hfy_rate_spectrum(const hfy_rate *rate, const double *w, const double *r, size_t dim, double *re,
                                     double *im, hfy_rate_modes *modes, hfy_work *work);

/* abscissa[mu] (count, or NULL): the largest real part of the Jacobian at each pattern; *stable (or NULL): how many are
   below -1e-9 (1 + |J|_F), not marginal. Threads share the patterns. Cost count 8 dim^3. Errors: CONVERGENCE. */
HFY_API hfy_status hfy_rate_stability(const hfy_rate *rate, const double *w, const double *r, size_t count, size_t dim,
                                      double *abscissa, size_t *stable, hfy_work *work);

/* How the best threshold is looked for. Zeroed (or NULL) = the defaults. */
typedef struct hfy_rate_search {
  double low, high; /* bracket; both 0: theta* - 2 .. theta* + <r>/<d>, averages over the patterns (eq. 16, 17) */
  size_t grid;      /* points of the first look, >= 3; 0 = 17 */
  size_t steps;     /* of the golden section around the best one; 0 = 20 */
  size_t sample;    /* patterns looked at, evenly spread; 0 = all */
  double margin;    /* sparse: as in hfy_rate_weights_sparse */
  int worst;        /* 1: minimise the largest abscissa; 0: the mean over the patterns */
  int self;         /* dense: with self-coupling */
} hfy_rate_search;
/* The threshold at which the mean (or largest) spectral abscissa of the patterns is least: a grid, then a golden
   section; the best point ever seen. *theta, *objective: the answer; rate->theta is not used. Patterns with zeros are
   taken as sparse. The landscape is flat below theta* (compare objectives, not thresholds). A threshold at which a
   row is infeasible counts as +infinity; INFEASIBLE if all do. Cost: 39 evaluations; dense W is affine in theta and
   solved once. Errors: as hfy_rate_weights, _weights_sparse, _stability. */
HFY_API hfy_status hfy_rate_threshold(const hfy_rate *rate, const double *r, size_t count, size_t dim,
                                      const hfy_rate_search *search, double *theta, double *objective, hfy_work *work);

/* |A|_F / (|S|_F + |A|_F) of the symmetric and antisymmetric parts of w (dim x dim): 0 symmetric, 1 antisymmetric;
   0 for w = 0; NaN for NULL or what is not finite. */
HFY_API double hfy_rate_asymmetry(const double *w, size_t dim);

/* Henrici's index sqrt(|a|_F^2 - sum of |lambda|^2) / |a|_F (mended) of a (n x n): 0 for a normal matrix, below 1.
   Errors as hfy_eigenvalues. */
HFY_API hfy_status hfy_rate_henrici(const double *a, size_t n, double *index, hfy_work *work);

/* --- theory of dense patterns: averages over one rate r, h = g^-1(r), d = g'(h), phi = d (h + theta) --- */
typedef struct hfy_rate_averages {
  double theta;                          /* the threshold they are for */
  double rbar, hbar, dbar;               /* <r>, <h>, <d> */
  double crr, vh, vd, d2;                /* var r, var h, var d, <d^2> */
  double crh, crd, cdh, crdh;            /* cov(r, h), cov(r, d), cov(d, h), <dr d h> */
  double ve;                             /* var of h beyond its regression on r */
  double crf, cff;                       /* of f = d(r')(h(r) + theta), r and r' independent */
  double delta, gap;                     /* crr cff - crf^2 and crr - crf, without cancellation */
  double crphi, cphiphi;                 /* cov(r, phi), var phi */
  double lambda_ave, lambda_mem, tau_mem; /* eq. 12, 15, 14 */
  double alpha_s_bulk, alpha_s;          /* eq. 11, 19 */
  double theta_bulk;                     /* eq. 16: -<h> */
  double theta_ave;                      /* eq. 17: lambda_ave < 0 below it */
  double theta_mem;                      /* eq. 18 (mended): lambda_mem < 0 below it if crd > 0, above it if crd < 0;
                                            infinite if crd = 0 */
  double outlier_re[2], outlier_im[2];   /* not in the paper: the two outliers at any threshold, from the 2 x 2 matrix
                                            on span{1, r}; the larger real part first */
} hfy_rate_averages;
/* The averages for log-normal rates by quadrature (trapezoid in z, relative error below 1e-10). optimal = 1: at theta*
   (eq. 16) instead of rate->theta. cv in (0, 1e6]. NONFINITE: an average overflows (small power, large cv). */
HFY_API hfy_status hfy_rate_theory(const hfy_rate *rate, double cv, int optimal, hfy_rate_averages *averages,
                                   hfy_work *work);

/* The same over n samples r > 0 of weight[k] >= 0 (NULL: alike): entries of patterns, or one. ARG: all r are equal. */
HFY_API hfy_status hfy_rate_theory_of(const hfy_rate *rate, const double *r, const double *weight, size_t n,
                                      int optimal, hfy_rate_averages *averages, hfy_work *work);

/* What follows for a load alpha in (0, 1). */
typedef struct hfy_rate_load {
  double lambda_bulk;      /* eq. 10 */
  double weight_norm;      /* N <W^2> = sum of squares of a row, eq. 6 (without self-coupling) */
  double weight_sum;       /* N <W> = sum of a row, eq. 7 */
  double weight_norm_self; /* not in the paper: eq. 6 for weights with self-coupling */
} hfy_rate_load;
HFY_API hfy_status hfy_rate_at_load(const hfy_rate_averages *averages, double alpha, hfy_rate_load *load,
                                    hfy_work *work);

/* Not in the paper: the right edge of the bulk with d kept row by row (free probability), which does not depend on
   theta. self: as in hfy_rate_weights. units: 0, or N > 1: rates beyond the (1 - 1/N) quantile are left out, which
   power > 1 needs, as d is unbounded then. *edge: -1 if there is no bulk to speak of. Cost: 30 ms. */
HFY_API hfy_status hfy_rate_bulk_edge(const hfy_rate *rate, double cv, double alpha, int self, size_t units,
                                      double *edge, hfy_work *work);

/* Not in the paper: the load in 0.001 .. 0.999 at which that edge crosses 0; 0 if it is above at 0.001. Cost: 1 s. */
HFY_API hfy_status hfy_rate_bulk_load(const hfy_rate *rate, double cv, int self, size_t units, double *alpha,
                                      hfy_work *work);

/* Powers first + step k, sigmas 10^(first + step k). Zeroed, NULL: 0.6 to 1.6 by 0.01, 10^-2 to 10^1.5 by 10^0.025. */
typedef struct hfy_rate_grid {
  double power, power_step;
  size_t powers;
  double log_sigma, log_sigma_step;
  size_t sigmas;
} hfy_rate_grid;
/* The unit of the grid with the largest alpha_S at theta* for a cv: *best (theta = theta*) and *alpha_s. Ties: the
   first, power outer. If none is stable: best->power NaN, *alpha_s 0. Averages that overflow count 0. 20 us a point. */
HFY_API hfy_status hfy_rate_optimum(double cv, const hfy_rate_grid *grid, hfy_rate *best, double *alpha_s,
                                    hfy_work *work);

/* --- theory of sparse patterns: replica equations --- */

/* The capacity alpha_C(f), f in (0, 1]: above it no weights make the patterns fixed points. theta0 may be NULL. */
HFY_API hfy_status hfy_rate_capacity(double f, double *alpha_c, double *theta0, hfy_work *work);

typedef struct hfy_rate_replica {
  double q;      /* sum of squares of a row of W */
  double m;      /* its sum */
  double theta0; /* (theta - m <r>) / sqrt(var r q) */
} hfy_rate_replica;
/* The row moments at a load alpha > 0; f = 1 gives eq. 6 and 7. ARG: f < 1 with sigma > 0; f = 1 with cv = 0.
   INFEASIBLE: alpha >= alpha_C(f). */
HFY_API hfy_status hfy_rate_solve_replica(const hfy_rate *rate, double cv, double f, double alpha,
                                          hfy_rate_replica *replica, hfy_work *work);

/* --- paired Gaussian matrices M = -c I + X Y+, X and Y N x P, alpha = P/N, entries of correlation tau --- */
typedef struct hfy_rate_disc {
  double centre, radius;             /* of the P eigenvalues that are not -c: eq. 21, c included in the centre */
  double lambda_plus, lambda_minus;  /* eq. 22 */
  double median;                     /* half of them lie within this distance of the centre */
  double alpha_s;                    /* eq. 23: stable below this load */
} hfy_rate_disc;
/* alpha in (0, 1), tau in -1 .. 1, deviations > 0. */
HFY_API hfy_status hfy_rate_circular_law(double alpha, double tau, double sigma_x, double sigma_y, double c,
                                         hfy_rate_disc *disc, hfy_work *work);

/* --- dynamics --- */

/* How a network is run. Zeroed (or NULL) = the defaults. */
typedef struct hfy_rate_options {
  double dt;       /* fixed step, or first adaptive one; 0: min(0.1, 2/(1 + max_i sum_j |W_ij| g'_i)) at the start */
  double duration; /* 0 = 1000 */
  double tol;      /* settled once max|dx/dt| <= tol (1 + max|x|); 0 = 1e-9; below 0: never, the run ends on time */
  double rtol;     /* > 0: Dormand-Prince 5(4) with this relative tolerance; 0: classical Runge-Kutta 4 */
  int voltage;     /* 1: states are voltages, dv/dt = -v + W g(v - theta) (eq. 1); 0: rates (eq. 2) */
} hfy_rate_options;

/* What became of each state; NULL members are left out. n_states each. */
typedef struct hfy_rate_outcome {
  hfy_status *status; /* OK, CONVERGENCE (not settled in time), NONFINITE (diverged) */
  double *time;       /* when it ended */
  double *speed;      /* max|dx/dt| there */
  size_t *steps;      /* steps taken, rejected ones too */
} hfy_rate_outcome;
/* Runs n_states states (rows of dim) from `start` to `end` (may be start). Each stage is one matrix product for all
   states that still run; a state's bits do not depend on the others. Diverged: above 1e6 (1 + max|start|) or not
   finite: the last finite state is in its row. Returns OK if all settled (or tol < 0 and none diverged), else what the
   first other row came to; end and outcome are written all the same. Scratch: 12 n_states dim doubles. */
HFY_API hfy_status hfy_rate_simulate(const hfy_rate *rate, const double *w, size_t dim, const double *start,
                                     size_t n_states, const hfy_rate_options *options, double *end,
                                     const hfy_rate_outcome *outcome, hfy_work *work);

/* How a basin is measured. Zeroed (or NULL) = the defaults. */
typedef struct hfy_rate_basin_options {
  size_t trials;     /* starts at each size of noise; 0 = 20 */
  double most;       /* largest noise tried; 0 = 2 */
  double success;    /* recalled: |end - r| / |r| below this; 0 = 1e-3 */
  size_t bisections; /* 0 = 12 */
  hfy_rate_options run;
} hfy_rate_basin_options;
/* The size of the basin of one pattern r: the noise e at which half of the starts r e^(e z) come back, by bisection
   on common random numbers (so that it is one number for one rng). 0: even the smallest tried loses; `most`: nothing
   does. Give run.duration some 12/|abscissa|. Starts that do not settle or diverge are failures, not errors. */
HFY_API hfy_status hfy_rate_basin(const hfy_rate *rate, const double *w, const double *r, size_t dim, hfy_rng *rng,
                                  const hfy_rate_basin_options *options, double *noise, hfy_work *work);

#endif /* HFY_HAS_RATE_ */

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
   >>base.impl   statuses, messages, kinds of numbers, checked sizes, scratch, random numbers, selection
   May call: libc, libm.
   ------------------------------------------------------------------------------------------------------------------ */
#include <float.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#ifdef HFY_CBLAS
#include <cblas.h>
#endif

/* HFY_COLD_, and HFY_API HFY_SMALL_ of a public one: off the ways of a hot loop, made small; the others hot, or gcc
   takes what only cold functions call for cold */
#if defined(__GNUC__)
#define HFY_PRIVATE_ static __attribute__((unused, hot))
#define HFY_SMALL_ __attribute__((cold))
#define HFY_COLD_ static __attribute__((unused, cold))
#define HFY_SIMD_NOINLINE_ __attribute__((noinline))
#else
#define HFY_PRIVATE_ static
#define HFY_SMALL_
#define HFY_COLD_ static
#define HFY_SIMD_NOINLINE_
#endif
#if defined(__GNUC__) || defined(_MSC_VER)
#define HFY_RESTRICT_ __restrict
#else
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

HFY_API HFY_SMALL_ const char *hfy_status_text(hfy_status status) {
  static const char *const text[] = {
#define HFY_STATUS_TEXT_(name, words) words,
    HFY_STATUS_LIST(HFY_STATUS_TEXT_)
#undef HFY_STATUS_TEXT_
};
  size_t i = (size_t)status;
  return i < sizeof text / sizeof text[0] ? text[i] : "unknown status";
}

/* --- kinds of numbers --- */

HFY_PRIVATE_ int hfy_base_is_nan_(double x) { return x != x; }
HFY_PRIVATE_ int hfy_base_is_finite_(double x) { return fabs(x) <= DBL_MAX; }
HFY_PRIVATE_ int hfy_base_is_pos_inf_(double x) { return x > DBL_MAX; }
HFY_PRIVATE_ int hfy_base_is_neg_inf_(double x) { return x < -DBL_MAX; }
HFY_PRIVATE_ double hfy_base_nan_(void) { return (double)NAN; }

HFY_PRIVATE_ uint64_t hfy_base_bits_(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* --- messages --- */

/* Appends text to a message of `size` bytes; cuts it off where the room ends. */
HFY_PRIVATE_ size_t hfy_base_put_(char *out, size_t size, size_t at, const char *text) {
  while (*text && at + 1 < size) out[at++] = *text++;
  out[at] = 0;
  return at;
}

/* Decimal digits of a whole number. */
HFY_COLD_ size_t hfy_base_put_whole_(char *out, size_t size, size_t at, uint64_t value) {
  char digits[24];
  size_t n = sizeof digits - 1;
  digits[n] = 0;
  do {
    digits[--n] = (char)('0' + (int)(value % 10));
    value /= 10;
  } while (value);
  return hfy_base_put_(out, size, at, digits + n);
}

/* Six significant digits at most. Our own: messages need no stdio, and no locale turns the point into a comma. */
HFY_COLD_ size_t hfy_base_put_number_(char *out, size_t size, size_t at, double x) {
  char digits[6], text[32];
  int exponent, n, i, point, len = 0;
  uint64_t m;
  if (hfy_base_is_nan_(x)) return hfy_base_put_(out, size, at, "nan");
  if (hfy_base_bits_(x) >> 63) at = hfy_base_put_(out, size, at, "-");
  x = fabs(x);
  if (!hfy_base_is_finite_(x)) return hfy_base_put_(out, size, at, "inf");
  if (!(x > 0)) return hfy_base_put_(out, size, at, "0");
  exponent = (int)floor(log10(x));
  m = (uint64_t)(exponent < -290 ? x * 1e300 / pow(10.0, exponent + 295) + 0.5 : x / pow(10.0, exponent) * 1e5 + 0.5);
  exponent += m >= 1000000 ? 1 : m < 100000 ? -1 : 0; /* log10 or the digits were rounded up */
  m = m >= 1000000 ? m / 10 : m < 100000 ? m * 10 : m;
  for (i = 5; i >= 0; i--, m /= 10) digits[i] = (char)('0' + (int)(m % 10));
  for (n = 6; n > 1 && digits[n - 1] == '0';) n--;
  point = exponent < -5 || exponent > 14 ? 0 : exponent; /* the digit before it */
  for (i = point; i < 0; i++) {
    text[len++] = '0';
    if (i == point) text[len++] = '.';
  }
  for (i = 0; i < n || i <= point; i++) {
    if (i && i == point + 1) text[len++] = '.';
    text[len++] = i < 6 ? digits[i] : '0';
  }
  text[len] = 0;
  at = hfy_base_put_(out, size, at, text);
  if (point == exponent) return at;
  at = hfy_base_put_(out, size, at, exponent < 0 ? "e-" : "e");
  return hfy_base_put_whole_(out, size, at, (uint64_t)(exponent < 0 ? -exponent : exponent));
}

/* Sets work->message and returns status. In words: %s a string, %z a size_t, %g a double. */
HFY_COLD_ hfy_status hfy_base_fail_(hfy_work *work, hfy_status status, const char *words, ...) {
  va_list list;
  size_t at = 0, size = sizeof work->message;
  char one[2] = {0, 0}, *out = work->message;
  va_start(list, words);
  for (out[0] = 0; *words; words++) {
    one[0] = *words;
    if (*words != '%')
      at = hfy_base_put_(out, size, at, one);
    else if (*++words == 's')
      at = hfy_base_put_(out, size, at, va_arg(list, const char *));
    else if (*words == 'z')
      at = hfy_base_put_whole_(out, size, at, va_arg(list, size_t));
    else if (*words == 'g')
      at = hfy_base_put_number_(out, size, at, va_arg(list, double));
  }
  va_end(list);
  return status;
}

/* For a function's pointers: !a ? "a" : !b ? "b" : NULL. */
HFY_PRIVATE_ hfy_status hfy_base_null_(hfy_work *work, const char *name) {
  return name ? hfy_base_fail_(work, HFY_ERR_ARG, "%s is NULL", name) : HFY_OK;
}

/* --- checked sizes --- */

/* a*b and a+b, or SIZE_MAX if that overflows. */
HFY_PRIVATE_ size_t hfy_base_times_(size_t a, size_t b) { return b && a > SIZE_MAX / b ? SIZE_MAX : a * b; }
HFY_PRIVATE_ size_t hfy_base_plus_(size_t a, size_t b) { return a > SIZE_MAX - b ? SIZE_MAX : a + b; }
HFY_PRIVATE_ size_t hfy_base_min_(size_t a, size_t b) { return a < b ? a : b; }

/* Swaps the contents of two arrays that do not overlap. */
HFY_PRIVATE_ void hfy_base_swap_(void *a, void *b, size_t bytes) {
  unsigned char *x = (unsigned char *)a, *y = (unsigned char *)b, t[256];
  size_t n;
  for (; bytes; x += n, y += n, bytes -= n) {
    n = hfy_base_min_(bytes, sizeof t);
    memcpy(t, x, n);
    memcpy(x, y, n);
    memcpy(y, t, n);
  }
}

/* Do rows x n elements of `size` bytes fit in memory at all? */
HFY_PRIVATE_ int hfy_base_fits_(size_t rows, size_t n, size_t size) {
  return hfy_base_times_(hfy_base_times_(rows, n), size) <= (size_t)PTRDIFF_MAX;
}

/* What functions on rows x n numbers check. missing: the first array that is NULL. */
HFY_COLD_ hfy_status hfy_base_rows_(hfy_work *work, size_t rows, size_t n, const char *missing) {
  if (!n) return hfy_base_fail_(work, HFY_ERR_ARG, "n is 0; it should be at least 1");
  if (!hfy_base_fits_(rows, n, sizeof(double)))
    return hfy_base_fail_(work, HFY_ERR_ARG, "rows %z times n %z: an array of that size cannot exist", rows, n);
  return hfy_base_null_(work, rows ? missing : NULL);
}

/* --- scratch ---
   A room's `plan` function takes its arrays from an arena: on one without memory it only counts; run again once there
   is room, it hands them out. So the worst case and the layout can never disagree. */
typedef struct hfy_base_arena_ {
  unsigned char *base; /* NULL: counting */
  size_t used;
  int pass; /* of hfy_base_layout_ */
} hfy_base_arena_;

/* count elements of size bytes, aligned to a cache line; NULL for none. */
HFY_PRIVATE_ void *hfy_base_take_(hfy_base_arena_ *arena, size_t count, size_t size) {
  const size_t at = arena->used, bytes = hfy_base_plus_(hfy_base_times_(count, size), 63);
  if (!count) return NULL;
  arena->used = hfy_base_plus_(at, bytes == SIZE_MAX ? bytes : bytes & ~(size_t)63);
  return arena->base ? arena->base + at : NULL;
}

#define HFY_TAKE_(arena, type, count) ((type *)hfy_base_take_(arena, count, sizeof(type)))

/* The start of every fallible function: the work to use (a local one for NULL), its message empty. */
HFY_COLD_ hfy_work *hfy_base_open_(hfy_work *work, hfy_work *local) {
  if (!work) work = (hfy_work *)memset(local, 0, sizeof *local);
  work->message[0] = 0;
  work->used = 0;
  return work;
}

/* And its end: what a local work allocated goes. */
HFY_COLD_ hfy_status hfy_base_close_(hfy_work *work, hfy_work *local, hfy_status status) {
  if (work == local) hfy_work_free(local);
  return status;
}

/* Makes room for what the arena counted and rewinds it onto that memory. */
HFY_PRIVATE_ hfy_status hfy_base_reserve_(hfy_work *work, hfy_base_arena_ *arena) {
  size_t bytes = hfy_base_plus_(arena->used, arena->used ? 63 : 0); /* the user's buffer may have any alignment */
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
  if (work->buffer) arena->base = (unsigned char *)work->buffer + ((64 - ((uintptr_t)work->buffer & 63)) & 63);
  arena->used = 0;
  return HFY_OK;
}

/* while (hfy_base_layout_(&arena, work, &status)) { takes... }: counts what is taken, makes room, hands it out. */
HFY_PRIVATE_ int hfy_base_layout_(hfy_base_arena_ *arena, hfy_work *work, hfy_status *status) {
  if (*status || arena->pass == 2) return 0;
  if (arena->pass++) *status = hfy_base_reserve_(work, arena);
  return !*status;
}

HFY_API HFY_SMALL_ void hfy_work_free(hfy_work *work) {
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

HFY_PRIVATE_ void hfy_base_openmp_(size_t n, void (*body)(void *context, size_t i), void *context) {
  ptrdiff_t i, end = (ptrdiff_t)n;
#pragma omp parallel for schedule(dynamic, 1)
  for (i = 0; i < end; i++) body(context, (size_t)i);
}
#else
#undef HFY_WORKERS
#define HFY_WORKERS 1
#endif

/* How many tasks run at once: each needs scratch of its own. */
HFY_PRIVATE_ size_t hfy_base_workers_(void) {
  long most_ = (long)HFY_WORKERS; /* an expression of the user's, which may name a variable `workers` */
  return most_ < 1 ? 1 : most_ > 1024 ? 1024 : (size_t)most_;
}

/* body(context, i) once for every i below n, in any order or at the same time; back when all are done. */
HFY_PRIVATE_ void hfy_base_parallel_(size_t n, void (*body)(void *context, size_t i), void *context) {
#ifdef HFY_PARALLEL_FOR
  if (n > 1) {
    HFY_PARALLEL_FOR(n, body, context);
    return;
  }
#endif
  for (size_t i = 0; i < n; i++) body(context, i);
}

/* Of n items in order, where the share of a task begins; it ends where that of task + 1 does. n task / tasks. */
HFY_PRIVATE_ size_t hfy_base_share_(size_t n, size_t task, size_t tasks) {
  return n / tasks * task + n % tasks * task / tasks;
}

/* --- random numbers (Steele, Lea, Flood 2014: SplitMix64) --- */

HFY_API HFY_SMALL_ hfy_rng hfy_rng_seed(uint64_t seed) {
  const hfy_rng rng = {seed, 0, 0};
  return rng;
}

HFY_API uint64_t hfy_rng_u64(hfy_rng *rng) {
  uint64_t z = (rng->state += UINT64_C(0x9E3779B97F4A7C15));
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

HFY_API double hfy_rng_sign(hfy_rng *rng) { return hfy_rng_u64(rng) >> 63 ? 1.0 : -1.0; }
HFY_API double hfy_rng_uniform(hfy_rng *rng) { return (double)(hfy_rng_u64(rng) >> 11) * (1.0 / 9007199254740992.0); }

HFY_API double hfy_rng_normal(hfy_rng *rng) {
  double r, angle;
  if (rng->has_cached) {
    rng->has_cached = 0;
    return rng->cached;
  }
  r = sqrt(-2.0 * log(1.0 - hfy_rng_uniform(rng))); /* of a number in (0, 1]: finite */
  angle = 6.283185307179586476925 * hfy_rng_uniform(rng);
  rng->cached = r * sin(angle);
  rng->has_cached = 1;
  return r * cos(angle);
}

/* Fisher and Yates: any order of x, each as likely. */
HFY_PRIVATE_ void hfy_base_shuffle_(size_t *x, size_t n, hfy_rng *rng) {
  for (; n > 1; n--) {
    const size_t other = (size_t)(hfy_rng_u64(rng) % n), hold = x[n - 1];
    x[n - 1] = x[other];
    x[other] = hold;
  }
}

/* --- parameters --- */

/* fallback for 0; NaN stays what it is. */
HFY_PRIVATE_ double hfy_base_default_(double value, double fallback) { return value != 0 ? value : fallback; }

/* "<where><name> is <value>; it should be <what>". */
HFY_COLD_ hfy_status hfy_base_should_(hfy_work *work, const char *where, const char *name, double value,
                                      const char *what) {
  return hfy_base_fail_(work, HFY_ERR_ARG, "%s%s is %g; it should be %s", where, name, value, what);
}

/* --- sums --- */

/* *sum += x; what rounding takes from it goes to *low (Knuth). */
HFY_PRIVATE_ void hfy_base_add_(double x, double *sum, double *low) {
  double next = *sum + x, part = next - *sum;
  *low += (*sum - (next - part)) + (x - part);
  *sum = next;
}

/* --- selection and sorting --- */

/* The least and the largest finite number of x; *low > *high if there is none. */
HFY_PRIVATE_ void hfy_base_range_(const double *x, size_t n, double *low, double *high) {
  size_t i;
  *low = HUGE_VAL;
  *high = -HUGE_VAL;
  for (i = 0; i < n; i++) {
    if (!hfy_base_is_finite_(x[i])) continue;
    if (x[i] < *low) *low = x[i];
    if (x[i] > *high) *high = x[i];
  }
}

/* The k-th largest, k <= 8: one pass with the best so far in order. */
HFY_PRIVATE_ double hfy_base_few_(const double *x, size_t n, size_t k) {
  double best[8];
  size_t i, at;
  for (at = 0; at < k; at++) best[at] = -HUGE_VAL;
  for (i = 0; i < n; i++) {
    if (!(x[i] > best[k - 1])) continue;
    for (at = k - 1; at && x[i] > best[at - 1]; at--) best[at] = best[at - 1];
    best[at] = x[i];
  }
  return best[k - 1];
}

/* The k-th largest (k = 1 .. n) of x, expected O(n); x may be permuted. No NaN inside. Three-way partition around a
   pseudo-random pivot, so neither ties nor sorted input are slow. */
HFY_PRIVATE_ double hfy_base_kth_largest_(double *x, size_t n, size_t k) {
  size_t lo = 0, hi = n, want = k - 1;
  uint64_t dice = UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)n;
  if (k <= 8) return hfy_base_few_(x, n, k);
  for (;;) {
    double pivot;
    size_t above = lo, i = lo, below = hi;
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
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
    if (want >= above && want < below) return pivot;
    if (want < above)
      hi = above;
    else
      lo = below;
  }
}

/* The k (1 .. n) largest of x, of equal ones the first: their places, ascending, into at; with `from` those places'
   entries in it, which may be `at`. Returns the k-th. scratch: n. */
HFY_PRIVATE_ double hfy_base_largest_(const double *x, size_t n, size_t k, const size_t *from, size_t *at,
                                      double *scratch) {
  size_t i, equal = k, m = 0;
  double kth;
  memcpy(scratch, x, n * sizeof *x);
  kth = hfy_base_kth_largest_(scratch, n, k);
  for (i = 0; i < n; i++) equal -= x[i] > kth;
  for (i = 0; i < n && m < k; i++) {
    if (x[i] < kth || (!(x[i] > kth) && !equal)) continue;
    equal -= !(x[i] > kth);
    at[m++] = from ? from[i] : i;
  }
  return kth;
}

/* Ascending, in place, no recursion and no worst case: heapsort. */
HFY_PRIVATE_ void hfy_base_sort_(double *x, size_t n) {
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
   How: plain C (the definition of every kernel); then one template over a small vocabulary of vector operations for
   SSE2, AVX2+FMA, AVX-512 and NEON (those of HFY_ISAS). On x86 each function carries its set as an attribute: `cc -O2`
   makes them all and the machine decides at run time; NEON is decided by the compiler. What linear algebra shares with
   a retrieval (dots with one vector, sums of rows, tiles of products) is there in both precisions, for plain C, too.
   Numerics: one canonical dot. The products of a row run along the dimension into LANES accumulators, lane l taking
   elements l, l + LANES, ...; then the lanes are folded in halves; sums of BLOCK elements are added in double. Every
   (row, query) pair is summed this way whatever tile it stands in, so a query's bits do not depend on its batch.
   A projection adds rows one by one in ascending order, skips zero weights, and starts from -0 so that a weight of 1
   copies its row to the bit. Multiply-adds are fused where the instruction set has them, in tails too, and never else.
   exp is within 1 ulp (float) or 2 ulp (double), denormal results included, and makes no denormal on its way.
   An instruction set gives the same bits for a call on every machine; two of them agree but for rounding.
   ------------------------------------------------------------------------------------------------------------------ */
enum { HFY_SIMD_LANES_ = 16 };   /* accumulators of the scalar dot */
enum { HFY_SIMD_BLOCK_ = 2048 }; /* elements of a dot before it moves to double */

/* The instruction sets that this compiler can make, and of them the one that every machine of its target has: FLOOR. */
#if defined(HFY_NO_SIMD) /* plain C */
#elif (defined(__x86_64__) || defined(__i386__)) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 8))
#define HFY_SIMD_X86_
#ifdef __OPTIMIZE_SIZE__
#include <cpuid.h>
#endif
#include <immintrin.h>
#elif defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86)) && !defined(_M_ARM64EC)
#define HFY_SIMD_X86_
#include <immintrin.h>
#include <intrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 8))
#define HFY_SIMD_NEON_
#define HFY_SIMD_FLOOR_ HFY_ISAS_NEON
#define HFY_SIMD_MOST_ (HFY_ISAS_SCALAR | HFY_ISAS_NEON)
#include <arm_neon.h>
#endif
#ifdef HFY_SIMD_X86_
#define HFY_SIMD_MOST_ (HFY_ISAS_SCALAR | HFY_ISAS_SSE2 | HFY_ISAS_AVX2 | HFY_ISAS_AVX512)
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define HFY_SIMD_FLOOR_ HFY_ISAS_AVX512
#elif defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER))
#define HFY_SIMD_FLOOR_ HFY_ISAS_AVX2
#elif defined(__SSE2__) || defined(_M_X64)
#define HFY_SIMD_FLOOR_ HFY_ISAS_SSE2
#endif
#elif !defined(HFY_SIMD_NEON_)
#define HFY_SIMD_MOST_ HFY_ISAS_SCALAR
#endif
#ifndef HFY_SIMD_FLOOR_
#define HFY_SIMD_FLOOR_ HFY_ISAS_SCALAR
#endif
#if defined(__GNUC__)
#define HFY_PREFETCH_(address) __builtin_prefetch((const void *)(address), 0, 3)
#define HFY_PREFETCH_L2_(address) __builtin_prefetch((const void *)(address), 0, 2)
#elif defined(HFY_SIMD_X86_)
#define HFY_PREFETCH_(address) _mm_prefetch((const char *)(address), _MM_HINT_T0)
#define HFY_PREFETCH_L2_(address) _mm_prefetch((const char *)(address), _MM_HINT_T1)
#else
#define HFY_PREFETCH_(address) (void)0
#define HFY_PREFETCH_L2_(address) (void)0
#endif
/* Arrays of vectors become registers once their loops are unrolled; what a vector leaves over is no loop to unroll. */
#if defined(__clang__)
#define HFY_UNROLL_ _Pragma("clang loop unroll(full)")
#define HFY_TAIL_ _Pragma("clang loop unroll(disable) vectorize(disable)")
#elif defined(__GNUC__)
#define HFY_UNROLL_ _Pragma("GCC unroll 32")
#define HFY_TAIL_
#else
#define HFY_UNROLL_
#define HFY_TAIL_
#endif
/* Is one of these compiled? By default plain C is, and FLOOR with all that is above it; for size, not AVX-512. */
#ifdef HFY_ISAS
#define HFY_SIMD_HAS_(sets) (((HFY_ISAS) | HFY_SIMD_FLOOR_) & HFY_SIMD_MOST_ & (sets))
#elif defined(__OPTIMIZE_SIZE__)
#define HFY_SIMD_HAS_(sets) \
  (((HFY_SIMD_MOST_ & ~(HFY_SIMD_FLOOR_ - 1) & ~HFY_ISAS_AVX512) | HFY_ISAS_SCALAR | HFY_SIMD_FLOOR_) & (sets))
#else
#define HFY_SIMD_HAS_(sets) ((HFY_ISAS_SCALAR | ~(HFY_SIMD_FLOOR_ - 1)) & HFY_SIMD_MOST_ & (sets))
#endif

/* out[j*out_stride + i] = pairwise(x_i, q_j) for rows x_i and nq queries q_j of dim. */
typedef void hfy_simd_pairs_(const hfy_real *x, size_t x_stride, size_t rows, const hfy_real *q, size_t q_stride,
                             size_t nq, size_t dim, hfy_real *out, size_t out_stride);

typedef struct hfy_simd_ {
  hfy_isa isa;
  size_t lanes;               /* of a vector of hfy_real, at most HFY_SIMD_LANES_ */
  hfy_simd_pairs_ *dot;       /* <x, q> */
  hfy_simd_pairs_ *euclidean; /* |x - q|^2 */
  hfy_simd_pairs_ *manhattan; /* |x - q|_1 */
  /* z_j += sum over i of w[j*w_stride + i] x_i, in ascending i, zero weights skipped */
  void (*combine)(const hfy_real *w, size_t w_stride, size_t nq, const hfy_real *x, size_t x_stride, size_t rows,
                  size_t dim, hfy_real *z, size_t z_stride);
  /* the same for one query and the listed rows: z += sum over l of w[l] x[index[l]], index ascending */
  void (*gather)(const size_t *index, const hfy_real *w, size_t count, const hfy_real *x, size_t x_stride, size_t dim,
                 hfy_real *z);
  /* the largest of n >= 1; NaN if any is NaN. tops, or NULL: its `lanes` maxima of disjoint parts of x, -infinity for
     a part without members (nothing of use if there is a NaN) */
  hfy_real (*max)(const hfy_real *x, size_t n, hfy_real *tops);
  /* Lists, ascending, the i whose distance d = (double)max - (double)x[i] is below width, or 0: index and delta get i
     and d; returns how many. max: the largest of x. index, delta: room for n. Fast where few are kept. */
  size_t (*window)(const hfy_real *x, size_t n, hfy_real max, double width, size_t *index, double *delta);
  /* y[i] = e^(x[i] - max), within 2 ulp of exact, 0 below 1e-37 (double: 1e-300). y may be x. Returns their sum, in
     double (float: added four at a time in float). */
  double (*softmax)(const hfy_real *x, size_t n, hfy_real max, hfy_real *y);
  void (*scale)(hfy_real *y, size_t n, double a);                 /* y = a y, a rounded to hfy_real */
  void (*scale_once)(hfy_real *y, size_t n, double a);            /* y = a y in double, rounded once */
  /* y = a y + b x in double, each product rounded, then rounded once to hfy_real */
  void (*mix)(hfy_real *y, const hfy_real *x, size_t n, double a, double b);
  void (*cut)(hfy_real *y, size_t n, double least);               /* what is below `least` (as hfy_real) becomes 0 */
  double (*apart)(const hfy_real *x, const hfy_real *y, size_t n); /* the largest |x - y|; NaN left out */
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
  /* bits (n of them, packed, the rest 0): h > 0. Returns how many |h| are above c width. */
  size_t (*signs)(const double *h, const double *width, double c, size_t n, uint64_t *bits);
} hfy_simd_;

/* Part of a product of matrices, of float or double: C = sign AB or C = C + sign AB, sign 1 or -1, `rows` x `columns`.
   A lies in tiles of as many rows as a tile of registers has: element (i, p) of a tile at a[i*a_row + p*a_col], tiles
   a_tile apart. B lies in panels as wide as a tile: a row of a panel is together, rows b_row apart, panels b_panel.
   Every element of C begins with itself (or 0), and its products are added one by one along the depth. */
typedef struct hfy_simd_block_ {
  const void *a, *b;
  void *c;
  size_t rows, columns, depth, a_row, a_col, a_tile, b_row, b_panel, c_row;
  int over, minus;  /* C is not read; sign is -1 */
  const void *next; /* meanwhile `ahead` rows, b_row apart, are fetched into L2 */
  size_t ahead;
} hfy_simd_block_;

/* What linear algebra needs of one precision, whatever hfy_real is. */
typedef struct hfy_simd_product_ {
  size_t size, rows, columns; /* of an element; of a tile of registers */
  void (*block)(const hfy_simd_block_ *block);
} hfy_simd_product_;

typedef struct hfy_simd_products_ {
  hfy_simd_product_ f32, f64;
  /* out[i] = <x_i, q> for rows x_i of dim, summed as every canonical dot */
  void (*dot)(const double *x, size_t x_stride, size_t rows, const double *q, size_t dim, double *out);
  /* z += sum of w[i] row[i], ascending; row: room for 4 entries more */
  void (*sum)(const double *w, const double **row, size_t count, size_t dim, double *z);
  /* sweeps of the QR algorithm: see >>linalg.eigen */
  void (*chase)(double *x, size_t stride, size_t columns, const double *coefficient, size_t count);
} hfy_simd_products_;

/* A tile of all pairs: out[j*out_stride + i] from n <= BLOCK elements of x[i] and q[j]; what lies `ahead` bytes further
   on in x is fetched meanwhile, unless that is 0. */
enum { HFY_SIMD_TALL_ = 8, HFY_SIMD_BROAD_ = 3 }; /* the most rows and queries */
enum { HFY_SIMD_DOT_, HFY_SIMD_EUCLIDEAN_, HFY_SIMD_MANHATTAN_ };
typedef struct hfy_simd_tile_ {
  const void *x[HFY_SIMD_TALL_], *q[HFY_SIMD_BROAD_];
  size_t n, ahead, out_stride;
  void *out;
} hfy_simd_tile_;

/* How vector kernels go through all pairs: `one` query with `tall` rows at a time, or `rows` x `queries` at once. */
typedef struct hfy_simd_tiles_ {
  size_t size, tall, rows, queries; /* size: of an element */
  void (*one)(const hfy_simd_tile_ *tile), (*few)(const hfy_simd_tile_ *tile);
} hfy_simd_tiles_;

/* A call: strides in elements. */
typedef struct hfy_simd_all_ {
  const hfy_simd_tiles_ *by;
  const void *x, *q;
  void *out;
  size_t x_stride, rows, q_stride, nq, dim, out_stride;
} hfy_simd_all_;

/* The address of element i. */
HFY_PRIVATE_ const void *hfy_simd_at_(const hfy_simd_all_ *all, const void *x, size_t i) {
  return (const char *)x + i * all->by->size;
}

/* A tile of rows x queries of which there are only `left` x `width`, or whose blocks add up in double. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_simd_tile_part_(const hfy_simd_all_ *all, const hfy_simd_tile_ *tile, int few,
                                                         size_t left, size_t width) {
  const hfy_simd_tiles_ *by = all->by;
  const size_t rows = few ? by->rows : by->tall, queries = few ? by->queries : 1, size = by->size;
  hfy_simd_tile_ t = *tile;
  double total[HFY_SIMD_TALL_ * HFY_SIMD_BROAD_];
  union {
    float f32[HFY_SIMD_TALL_ * HFY_SIMD_BROAD_];
    double f64[HFY_SIMD_TALL_ * HFY_SIMD_BROAD_];
  } sum;
  size_t at, i, j;
  t.out = &sum;
  t.out_stride = rows;
  for (at = 0; at < all->dim || !at; at += HFY_SIMD_BLOCK_) {
    t.n = hfy_base_min_(all->dim - at, HFY_SIMD_BLOCK_);
    (few ? by->few : by->one)(&t);
    if (t.n == all->dim) break;
    for (i = 0; i < rows * queries; i++) {
      const double more = size == sizeof(float) ? (double)sum.f32[i] : sum.f64[i];
      total[i] = at ? total[i] + more : more;
      if (size == sizeof(float))
        sum.f32[i] = (float)total[i];
      else
        sum.f64[i] = total[i];
    }
    for (i = 0; i < rows; i++) t.x[i] = hfy_simd_at_(all, t.x[i], t.n);
    for (i = 0; i < queries; i++) t.q[i] = hfy_simd_at_(all, t.q[i], t.n);
  }
  for (j = 0; j < width; j++)
    for (i = 0; i < left; i++)
      if (size == sizeof(float))
        ((float *)tile->out)[j * all->out_stride + i] = sum.f32[j * rows + i];
      else
        ((double *)tile->out)[j * all->out_stride + i] = sum.f64[j * rows + i];
}

/* The rows from .. to-1 and query j; ahead: the next rows, 16 KiB on at least. */
HFY_PRIVATE_ void hfy_simd_one_query_(const hfy_simd_all_ *all, size_t j, size_t from, size_t to) {
  const hfy_simd_tiles_ *by = all->by;
  const size_t row = all->x_stride * by->size, bytes = by->tall * row, tall = by->tall;
  hfy_simd_tile_ t;
  size_t r;
  t.q[0] = hfy_simd_at_(all, all->q, j * all->q_stride);
  t.n = all->dim;
  t.out_stride = all->out_stride;
  t.ahead = to - from > tall && (to - from) * all->dim * by->size > 32768 ? bytes * (1 + 16383 / bytes) : 0;
  for (; from < to; from += tall) {
    const size_t left = hfy_base_min_(tall, to - from);
    const char *x = (const char *)hfy_simd_at_(all, all->x, from * all->x_stride);
    t.out = (char *)all->out + (j * all->out_stride + from) * by->size;
    for (r = 0; r < tall; r++) {
      t.x[r] = x;
      if (r + 1 < left) x += row;
    }
    if (left == tall && t.n <= HFY_SIMD_BLOCK_)
      by->one(&t);
    else
      hfy_simd_tile_part_(all, &t, 0, left, 1);
  }
}

/* Rows stay in L1 while the queries pass; queries in L2 while the rows pass; edges repeat the last row or query and
   drop what comes of it. A query that is left over meets `tall` rows. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_simd_all_pairs_(const hfy_simd_all_ *all) {
  const hfy_simd_tiles_ *by = all->by;
  const size_t size = by->size, line = 64 / size, row_bytes = all->dim * size + 1, tall = by->rows, broad = by->queries;
  const size_t rows = all->rows, nq = all->nq, row = all->x_stride * size;
  size_t j_block, i_block = rows, i0, j0, i, j, r, s;
  hfy_simd_tile_ t;
  if (nq == 1) {
    hfy_simd_one_query_(all, 0, 0, rows);
    return;
  }
  j_block = 262144 / row_bytes / broad * broad;
  if (j_block < 4 * broad) j_block = 4 * broad;
  if (nq > j_block) {
    i_block = 262144 / row_bytes / tall * tall;
    if (i_block < 4 * tall) i_block = 4 * tall;
    j_block = ((nq - 1) / ((nq - 1) / j_block + 1) / broad + 1) * broad; /* even shares */
  }
  t.n = all->dim;
  t.ahead = 0;
  t.out_stride = all->out_stride;
  for (i0 = 0; i0 < rows; i0 += i_block)
    for (j0 = 0; j0 < nq; j0 += j_block) {
      const size_t i1 = hfy_base_min_(i0 + i_block, rows), j1 = hfy_base_min_(j0 + j_block, nq);
      const size_t all_lines = (all->dim + line - 1) / line; /* of rows yet to come; a tile fetches a share */
      const size_t tiles = (j1 - j0 + broad - 1) / broad, share = (all_lines + tiles - 1) / tiles;
      for (i = i0; i < i1; i += tall) {
        const size_t left = hfy_base_min_(tall, i1 - i), next = i + tall;
        const size_t lines = next + tall <= rows ? all_lines : 0;
        const char *x = (const char *)all->x + i * row, *q = (const char *)all->q + j0 * all->q_stride * size;
        size_t at = 0, end = 0;
        for (r = 0; r < tall; r++) t.x[r] = x + hfy_base_min_(r, left - 1) * row;
        for (j = j0; j < j1; j += broad) {
          const size_t width = hfy_base_min_(broad, j1 - j);
          for (end = hfy_base_min_(end + share, lines); at < end; at++)
            for (r = 0; r < tall; r++) HFY_PREFETCH_L2_(x + (tall + r) * row + at * 64);
          if (width == 1 && broad > 1) {
            const size_t first = i0 + (i - i0) / by->tall * by->tall;
            if (next - first == by->tall || next >= i1) hfy_simd_one_query_(all, j, first, i + left);
            break;
          }
          for (s = 0; s < broad; s++) {
            t.q[s] = q;
            if (s + 1 < width) q += all->q_stride * size;
          }
          q += all->q_stride * size;
          t.out = (char *)all->out + (j * all->out_stride + i) * size;
          if (left == tall && width == broad && t.n <= HFY_SIMD_BLOCK_)
            by->few(&t);
          else
            hfy_simd_tile_part_(all, &t, 1, left, width);
        }
      }
    }
}

/* Rows of a projection at work: w[i*batch + j] is the weight of row i for query j, used[i] tells by bits which are not
   zero. z: of `queries`; the last stands for those beyond. Meanwhile `ahead` rows from `next` are fetched into L2. */
enum { HFY_SIMD_LIST_ = 128, HFY_SIMD_BATCH_ = 8 }; /* the most rows and queries */
typedef struct hfy_simd_listed_ {
  hfy_real w[HFY_SIMD_LIST_ * HFY_SIMD_BATCH_], *z[HFY_SIMD_BATCH_];
  const hfy_real *row[HFY_SIMD_LIST_ + 4], *next;
  unsigned char used[HFY_SIMD_LIST_];
  size_t count, queries, dim, x_stride, ahead;
} hfy_simd_listed_;

/* How vector kernels project: `batch` queries at a time if most weights count (`block` if all do), else one by one. */
typedef struct hfy_simd_projector_ {
  size_t batch, wide; /* wide: columns of a block */
  size_t (*nonzero)(const hfy_real *w, size_t n); /* how many of n <= LIST weights are not zero */
  void (*block)(const hfy_simd_block_ *block), (*strips)(const hfy_simd_listed_ *list); /* block: or NULL */
  void (*sum)(const hfy_real *w, const hfy_real **row, size_t count, size_t dim, hfy_real *z);
} hfy_simd_projector_;

/* A call of `combine`. */
typedef struct hfy_simd_project_ {
  const hfy_simd_projector_ *by;
  const hfy_real *w, *x;
  hfy_real *z;
  size_t w_stride, nq, x_stride, rows, dim, z_stride;
} hfy_simd_project_;

/* The n rows at x with the weights w of a batch: all that any query has a weight for, or query by query. */
HFY_PRIVATE_ void hfy_simd_project_list_(const hfy_simd_project_ *p, const hfy_real *x, const hfy_real *const *w,
                                         size_t n, int together, hfy_simd_listed_ *list) {
  const size_t batch = p->by->batch;
  size_t i, s;
  if (together) {
    for (i = list->count = 0; i < n; i++) {
      unsigned bits = 0;
      for (s = 0; s < batch; s++) {
        const hfy_real a = list->w[list->count * batch + s] = w[s][i];
        bits |= (unsigned)(a > 0 || a < 0) << s;
      }
      list->row[list->count] = x + i * p->x_stride;
      list->used[list->count] = (unsigned char)bits;
      list->count += bits != 0;
    }
    p->by->strips(list);
    return;
  }
  for (s = 0; s < list->queries; s++) {
    for (i = list->count = 0; i < n; i++)
      if (w[s][i] > 0 || w[s][i] < 0) {
        list->row[list->count] = x + i * p->x_stride;
        list->w[list->count++] = w[s][i];
      }
    p->by->sum(list->w, list->row, list->count, p->dim, list->z[s]);
  }
}

HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_simd_project_all_(const hfy_simd_project_ *p) {
  const size_t batch = p->by->batch, nq = p->nq, dim = p->dim;
  const hfy_real *w[HFY_SIMD_BATCH_];
  hfy_simd_listed_ list;
  size_t block = HFY_SIMD_LIST_, i, j, s;
  while (block > 16 && block * dim * sizeof *p->x > 524288) block /= 2; /* in L2 while the queries pass */
  list.dim = dim;
  list.x_stride = p->x_stride;
  for (i = 0; i < p->rows; i += block) {
    const hfy_real *x = p->x + i * p->x_stride;
    const size_t n = hfy_base_min_(block, p->rows - i), after = hfy_base_min_(n, p->rows - i - n);
    const size_t share = nq > batch ? (after + nq / batch) / (nq / batch + 1) : 0; /* of them each batch fetches */
    size_t next = 0;
    for (j = 0; j < nq; j += batch) {
      const size_t queries = list.queries = hfy_base_min_(batch, nq - j);
      size_t pairs = 0;
      for (s = 0; s < batch; s++) { /* the edge repeats the last query and drops what comes of it */
        const size_t at = j + hfy_base_min_(s, queries - 1);
        w[s] = p->w + at * p->w_stride + i;
        list.z[s] = p->z + at * p->z_stride;
        if (s < queries) pairs += p->by->nonzero(w[s], n);
      }
      list.next = x + (n + next) * p->x_stride;
      list.ahead = hfy_base_min_(share, after - next);
      next += list.ahead;
      if (p->by->block && queries > 1 && pairs == n * queries) {
        const hfy_simd_block_ all = {w[0], x, list.z[0], queries, dim, n, p->w_stride, 1, 0, p->x_stride, p->by->wide,
                                     p->z_stride, 0, 0, list.next, list.ahead};
        p->by->block(&all);
      } else {
        hfy_simd_project_list_(p, x, w, n, queries > 1 && 3 * pairs >= n * queries, &list);
      }
    }
  }
}

/* --- scalar: plain C, the definition of every kernel --- */

HFY_PRIVATE_ double hfy_simd_fold_scalar_(hfy_real *lane) {
  size_t half, l;
  for (half = HFY_SIMD_LANES_ / 2; half; half /= 2)
    for (l = 0; l < half; l++) lane[l] += lane[l + half];
  return (double)lane[0];
}

/* One pair of a kind, and all of them; `of` is what a single element adds. */
#define HFY_SIMD_PAIRS_SCALAR_(name, of)                                                                               \
  HFY_PRIVATE_ HFY_SIMD_NOINLINE_ hfy_real name##1_(const hfy_real *x, const hfy_real *q, size_t dim) {                \
    double total = 0;                                                                                                  \
    do {                                                                                                               \
      hfy_real lane[HFY_SIMD_LANES_] = {0};                                                                            \
      size_t n = hfy_base_min_(dim, HFY_SIMD_BLOCK_), i, l;                                                            \
      for (i = 0; i + HFY_SIMD_LANES_ <= n; i += HFY_SIMD_LANES_)                                                      \
        for (l = 0; l < HFY_SIMD_LANES_; l++) {                                                                        \
          hfy_real a = x[i + l], b = q[i + l];                                                                         \
          lane[l] += of;                                                                                               \
        }                                                                                                              \
      for (l = 0; i + l < n; l++) {                                                                                    \
        hfy_real a = x[i + l], b = q[i + l];                                                                           \
        lane[l] += of;                                                                                                 \
      }                                                                                                                \
      total += hfy_simd_fold_scalar_(lane);                                                                            \
      x += n;                                                                                                          \
      q += n;                                                                                                          \
      dim -= n;                                                                                                        \
    } while (dim);                                                                                                     \
    return (hfy_real)total;                                                                                            \
  }                                                                                                                    \
  HFY_PRIVATE_ void name##_(const hfy_real *x, size_t x_stride, size_t rows, const hfy_real *q, size_t q_stride,       \
                            size_t nq, size_t dim, hfy_real *out, size_t out_stride) {                                 \
    size_t i, j;                                                                                                       \
    for (i = 0; i < rows; i++)                                                                                         \
      for (j = 0; j < nq; j++) out[j * out_stride + i] = name##1_(x + i * x_stride, q + j * q_stride, dim);            \
  }
HFY_SIMD_PAIRS_SCALAR_(hfy_simd_dot_scalar, a *b)
HFY_SIMD_PAIRS_SCALAR_(hfy_simd_euclidean_scalar, (a - b) * (a - b))
HFY_SIMD_PAIRS_SCALAR_(hfy_simd_manhattan_scalar, a > b ? a - b : b - a)
#undef HFY_SIMD_PAIRS_SCALAR_

HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_simd_axpy_scalar_(hfy_real w, const hfy_real *HFY_RESTRICT_ x, size_t dim,
                                                            hfy_real *HFY_RESTRICT_ z) {
  size_t d;
  for (d = 0; d < dim; d++) z[d] += w * x[d];
}

HFY_PRIVATE_ void hfy_simd_combine_scalar_(const hfy_real *w, size_t w_stride, size_t nq, const hfy_real *x,
                                           size_t x_stride, size_t rows, size_t dim, hfy_real *z, size_t z_stride) {
  size_t i, j;
  for (i = 0; i < rows; i++)
    for (j = 0; j < nq; j++) {
      hfy_real a = w[j * w_stride + i];
      if (a > 0 || a < 0) hfy_simd_axpy_scalar_(a, x + i * x_stride, dim, z + j * z_stride);
    }
}

HFY_PRIVATE_ void hfy_simd_gather_scalar_(const size_t *index, const hfy_real *w, size_t count, const hfy_real *x,
                                          size_t x_stride, size_t dim, hfy_real *z) {
  size_t l;
  for (l = 0; l < count; l++)
    if (w[l] > 0 || w[l] < 0) hfy_simd_axpy_scalar_(w[l], x + index[l] * x_stride, dim, z);
}

HFY_PRIVATE_ HFY_SIMD_NOINLINE_ hfy_real hfy_simd_max_scalar_(const hfy_real *x, size_t n, hfy_real *tops) {
  hfy_real most = x[0];
  size_t i;
  for (i = 0; i < n; i++) {
    if (hfy_base_is_nan_((double)x[i])) return x[i];
    if (x[i] > most) most = x[i];
  }
  if (tops) tops[0] = most;
  return most;
}

/* `window` for x[from] .. x[to-1], behind `count` that are listed. */
HFY_PRIVATE_ size_t hfy_simd_window_some_(const hfy_real *x, size_t from, size_t to, hfy_real max, double width,
                                          size_t *index, double *delta, size_t count) {
  for (; from < to; from++) {
    const double d = (double)max - (double)x[from];
    index[count] = from;
    delta[count] = d;
    count += d < width || d <= 0;
  }
  return count;
}

HFY_PRIVATE_ size_t hfy_simd_window_scalar_(const hfy_real *x, size_t n, hfy_real max, double width, size_t *index,
                                            double *delta) {
  return hfy_simd_window_some_(x, 0, n, max, width, index, delta, 0);
}

#ifdef HFY_DOUBLE
#define HFY_SIMD_TINY_ (-690.7755278982137) /* log 1e-300: softmax is 0 below */
#else
#define HFY_SIMD_TINY_ (-85.195648) /* log 1e-37 */
#endif

/* In lanes and blocks as a dot: one running sum of a million equal weights loses four digits. */
HFY_PRIVATE_ double hfy_simd_softmax_scalar_(const hfy_real *x, size_t n, hfy_real max, hfy_real *y) {
  double total = 0;
  while (n) {
    double lane[HFY_SIMD_LANES_] = {0};
    size_t i, l, half, block = hfy_base_min_(n, HFY_SIMD_BLOCK_);
    for (i = 0; i < block; i++) {
      double a = (double)x[i], m = (double)max, d = a - m, e = 0;
      if (d >= HFY_SIMD_TINY_) {
        double part = d - a; /* what the subtraction lost (Knuth): lost = (a - (d - part)) - (m + part) */
        double lost = (a - (d - part)) - (m + part);
        e = exp(d);
        e += e * lost;
      }
      y[i] = (hfy_real)e;
      lane[i % HFY_SIMD_LANES_] += (double)y[i];
    }
    for (half = HFY_SIMD_LANES_ / 2; half; half /= 2)
      for (l = 0; l < half; l++) lane[l] += lane[l + half];
    total += lane[0];
    x += block;
    y += block;
    n -= block;
  }
  return total;
}

HFY_PRIVATE_ void hfy_simd_scale_scalar_(hfy_real *y, size_t n, double a) {
  size_t i;
  for (i = 0; i < n; i++) y[i] = (hfy_real)a * y[i];
}

HFY_PRIVATE_ void hfy_simd_scale_once_scalar_(hfy_real *y, size_t n, double a) {
  size_t i;
  for (i = 0; i < n; i++) y[i] = (hfy_real)(a * (double)y[i]);
}

HFY_PRIVATE_ void hfy_simd_mix_scalar_(hfy_real *y, const hfy_real *x, size_t n, double a, double b) {
  size_t i;
  for (i = 0; i < n; i++) {
    double u = a * (double)y[i], v = b * (double)x[i];
    y[i] = (hfy_real)(u + v);
  }
}

HFY_PRIVATE_ void hfy_simd_cut_scalar_(hfy_real *y, size_t n, double least) {
  size_t i;
  for (i = 0; i < n; i++) y[i] = y[i] < (hfy_real)least ? 0 : y[i];
}

HFY_PRIVATE_ double hfy_simd_apart_scalar_(const hfy_real *x, const hfy_real *y, size_t n) {
  double most = 0;
  size_t i;
  for (i = 0; i < n; i++) {
    double change = fabs((double)x[i] - (double)y[i]);
    if (change > most) most = change;
  }
  return most;
}

HFY_PRIVATE_ void hfy_simd_exp_scalar_(const hfy_real *x, size_t n, hfy_real *y) {
  size_t i;
  for (i = 0; i < n; i++) y[i] = (hfy_real)exp((double)x[i]);
}

HFY_PRIVATE_ void hfy_simd_below_scalar_(const double *d, size_t n, double t, double sums[3]) {
  double count = 0, sum = 0, square = 0;
  size_t i;
  for (i = 0; i < n; i++)
    if (d[i] < t) {
      double r = t - d[i];
      count += 1;
      sum += r;
      square += r * r;
    }
  sums[0] = count;
  sums[1] = sum;
  sums[2] = square;
}

/* `keep_below` for d[from] .. d[to-1], behind `count` that are kept. */
HFY_PRIVATE_ size_t hfy_simd_keep_some_(double *d, size_t *index, size_t from, size_t to, double t, size_t count) {
  for (; from < to; from++) {
    const double v = d[from];
    d[count] = v;
    index[count] = index[from];
    count += v < t;
  }
  return count;
}

HFY_PRIVATE_ size_t hfy_simd_keep_below_scalar_(double *d, size_t *index, size_t n, double t) {
  return hfy_simd_keep_some_(d, index, 0, n, t, 0);
}

HFY_PRIVATE_ void hfy_simd_powers_scalar_(const double *d, size_t n, double u, double e, double *p, double sums[2]) {
  double sum = 0, slope = 0;
  size_t i;
  for (i = 0; i < n; i++) {
    double v = -u * d[i], b = 1 + v, y = b > 0 ? exp(e * log1p(v)) : 0;
    sum += y;
    if (y > 0) slope += y / b;
    p[i] = y;
  }
  sums[0] = sum;
  sums[1] = slope;
}

HFY_PRIVATE_ void hfy_simd_clip_scalar_(const double *v, const double *lower, const double *upper, double cap, size_t n,
                                        double tau, double sums[2]) {
  double sum = 0, between = 0;
  size_t i;
  for (i = 0; i < n; i++) {
    double y = v[i] - tau, low = lower ? lower[i] : 0, high = upper ? upper[i] : cap;
    between += y > low && y < high;
    sum += y < low ? low : y > high ? high : y;
  }
  sums[0] = sum;
  sums[1] = between;
}

HFY_PRIVATE_ size_t hfy_simd_signs_scalar_(const double *h, const double *width, double c, size_t n, uint64_t *bits) {
  size_t i, clear = 0;
  for (i = 0; i < n; i++) {
    if (i % 64 == 0) bits[i / 64] = 0;
    bits[i / 64] |= (uint64_t)(h[i] > 0) << (i % 64);
    clear += fabs(h[i]) > c * width[i];
  }
  return clear;
}

static const hfy_simd_ hfy_simd_table_real_scalar_ = {
  HFY_ISA_SCALAR, 1, hfy_simd_dot_scalar_, hfy_simd_euclidean_scalar_, hfy_simd_manhattan_scalar_,
  hfy_simd_combine_scalar_, hfy_simd_gather_scalar_, hfy_simd_max_scalar_, hfy_simd_window_scalar_,
  hfy_simd_softmax_scalar_, hfy_simd_scale_scalar_, hfy_simd_scale_once_scalar_, hfy_simd_mix_scalar_,
  hfy_simd_cut_scalar_, hfy_simd_apart_scalar_, hfy_simd_exp_scalar_, hfy_simd_below_scalar_,
  hfy_simd_keep_below_scalar_, hfy_simd_powers_scalar_, hfy_simd_clip_scalar_, hfy_simd_signs_scalar_};

#endif /* HFY_BODIES_ rest while the templates are defined */

/* --- the vocabulary of the templates: what a vector of this pass can do ---
   HFY_F_(op) acts on float, HFY_D_(op) on double, HFY_V_(op) on the precision of the pass. HFY_FV_, HFY_DV_, HFY_VV_
   are the vectors, HFY_V_(tail) knows the first n lanes (1 <= n <= LANES), HFY_V_(cond) is one truth per lane;
   inside(t, a, b): a in the lanes of the tail, b beyond. */
#ifdef HFY_SIMD_PASS_

#define HFY_PASTE_3_(name, type, isa) hfy_simd_##name##_##type##_##isa##_
#define HFY_PASTE_(name, type, isa) HFY_PASTE_3_(name, type, isa)
#define HFY_F_(name) HFY_PASTE_(name, f32, HFY_ISA_)
#define HFY_D_(name) HFY_PASTE_(name, f64, HFY_ISA_)
#define HFY_FV_ HFY_F_(vec)
#define HFY_DV_ HFY_D_(vec)
#define HFY_VV_ HFY_V_(vec)
#if defined(HFY_DOUBLE) != defined(HFY_SIMD_OTHER_)
#define HFY_TYPE_ f64
#define HFY_S_ double
#define HFY_BITS_ 64
#else
#define HFY_TYPE_ f32
#define HFY_S_ float
#define HFY_BITS_ 32
#endif
#define HFY_V_(name) HFY_PASTE_(name, HFY_TYPE_, HFY_ISA_)
#define HFY_LANES_ (HFY_BYTES_ * 8 / HFY_BITS_)
/* AVX-512's tables take from AVX2 what gives the same bits and is no part of scores, batches or products. */
#if HFY_SIMD_PASS_ == 4
#define HFY_NARROW_ avx2
#else
#define HFY_NARROW_ HFY_ISA_
#endif
#define HFY_VN_(name) HFY_PASTE_(name, HFY_TYPE_, HFY_NARROW_)
#define HFY_DN_(name) HFY_PASTE_(name, f64, HFY_NARROW_)

#if HFY_SIMD_PASS_ == 1 /* plain C, products only: a vector of one lane */
#define HFY_ISA_ scalar
#define HFY_BYTES_ (HFY_BITS_ / 8)
#elif HFY_SIMD_PASS_ == 2
#define HFY_ISA_ sse2
#define HFY_TARGET_ATTRIBUTE_ "sse2"
#define HFY_REGISTER_ "+x"
#define HFY_BYTES_ 16
#elif HFY_SIMD_PASS_ == 3
#define HFY_ISA_ avx2
#define HFY_TARGET_ATTRIBUTE_ "avx2,fma,popcnt"
#define HFY_REGISTER_ "+x"
#define HFY_BYTES_ 32
#elif HFY_SIMD_PASS_ == 4
#define HFY_ISA_ avx512
#define HFY_TARGET_ATTRIBUTE_ "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,popcnt"
#define HFY_REGISTER_ "+v"
#define HFY_BYTES_ 64
#else
#define HFY_ISA_ neon
#define HFY_REGISTER_ "+w"
#define HFY_BYTES_ 16
#endif
/* ROWS x QUERIES accumulators of a dot tile (or TALL for one query), STRIP x BATCH of a projection and of a product of
   matrices: 16 registers hold 12, the 32 of AVX-512 and NEON 24. No bit depends on them. */
#ifdef __OPTIMIZE_SIZE__
#define HFY_TALL_ 4
#define HFY_QUERIES_ 1
#else
#define HFY_TALL_ 8
#define HFY_QUERIES_ (HFY_SIMD_PASS_ >= 3 ? 3 : HFY_SIMD_PASS_)
#endif
#define HFY_ROWS_ (HFY_SIMD_PASS_ >= 4 ? 8 : 4)
#define HFY_STRIP_ (HFY_SIMD_PASS_ == 1 ? 4 : HFY_SIMD_PASS_ == 2 ? 2 : 3)
#define HFY_BATCH_ (HFY_SIMD_PASS_ >= 4 ? 8 : 4)

#if defined(HFY_TARGET_ATTRIBUTE_) && defined(__GNUC__)
#define HFY_FOR_ISA_ __attribute__((unused, target(HFY_TARGET_ATTRIBUTE_)))
#elif defined(__GNUC__)
#define HFY_FOR_ISA_ __attribute__((unused))
#else
#define HFY_FOR_ISA_
#endif
#define HFY_TARGET_ static HFY_FOR_ISA_
#if defined(__GNUC__)
#define HFY_INLINE_ static inline __attribute__((always_inline)) HFY_FOR_ISA_
#elif defined(_MSC_VER)
#define HFY_INLINE_ static __forceinline
#else
#define HFY_INLINE_ static inline
#endif
/* Keeps a value in its register: gcc would rather load it again for every use. */
#if defined(__GNUC__) && HFY_SIMD_PASS_ != 1
#define HFY_PIN_(v) __asm__("" : HFY_REGISTER_(v))
#else
#define HFY_PIN_(v) (void)0
#endif
#if HFY_SIMD_PASS_ == 1
typedef HFY_S_ HFY_VV_;
typedef size_t HFY_V_(tail);
HFY_INLINE_ HFY_VV_ HFY_V_(zero)(void) { return 0; }
HFY_INLINE_ HFY_VV_ HFY_V_(set)(HFY_S_ a) { return a; }
HFY_INLINE_ HFY_VV_ HFY_V_(load)(const HFY_S_ *p) { return *p; }
HFY_INLINE_ void HFY_V_(store)(HFY_S_ *p, HFY_VV_ a) { *p = a; }
HFY_INLINE_ HFY_VV_ HFY_V_(add)(HFY_VV_ a, HFY_VV_ b) { return a + b; }
HFY_INLINE_ HFY_VV_ HFY_V_(sub)(HFY_VV_ a, HFY_VV_ b) { return a - b; }
HFY_INLINE_ HFY_VV_ HFY_V_(mul)(HFY_VV_ a, HFY_VV_ b) { return a * b; }
HFY_INLINE_ HFY_VV_ HFY_V_(abs)(HFY_VV_ a) { return a < 0 ? -a : a; }
#if HFY_BITS_ == 32 && defined(__FP_FAST_FMAF) /* said aloud, or the compiler fuses some tiles and not others */
HFY_INLINE_ HFY_VV_ HFY_V_(fma)(HFY_VV_ a, HFY_VV_ b, HFY_VV_ c) { return fmaf(a, b, c); }
#elif HFY_BITS_ == 64 && defined(__FP_FAST_FMA)
HFY_INLINE_ HFY_VV_ HFY_V_(fma)(HFY_VV_ a, HFY_VV_ b, HFY_VV_ c) { return fma(a, b, c); }
#else
HFY_INLINE_ HFY_VV_ HFY_V_(fma)(HFY_VV_ a, HFY_VV_ b, HFY_VV_ c) { return a * b + c; }
#endif
/* one lane has no tail */
HFY_INLINE_ HFY_V_(tail) HFY_V_(first)(size_t n) { return n; }
HFY_INLINE_ HFY_VV_ HFY_V_(load_n)(const HFY_S_ *p, HFY_V_(tail) t) { return t ? *p : 0; }
HFY_INLINE_ void HFY_V_(store_n)(HFY_S_ *p, HFY_VV_ a, HFY_V_(tail) t) { if (t) *p = a; }
HFY_INLINE_ void HFY_V_(fold)(const HFY_VV_ *acc, int n, HFY_S_ *sum) {
  int i;
  for (i = 0; i < n; i++) sum[i] = acc[i];
}

#elif defined(HFY_SIMD_OTHER_) /* the first pass of an instruction set brings the words of both precisions */

#if HFY_SIMD_PASS_ != 5 /* x86 */
#if HFY_SIMD_PASS_ == 2
#define HFY_MM_(op) _mm_##op
#define HFY_MM_INT_(op) _mm_##op##_si128
#define HFY_MM_CAST_(type) _mm_castsi128_##type
#define HFY_MM_SET64_ _mm_set1_epi64x
typedef __m128 HFY_FV_;
typedef __m128d HFY_DV_;
typedef __m128i HFY_D_(whole);
#elif HFY_SIMD_PASS_ == 3
#define HFY_MM_(op) _mm256_##op
#define HFY_MM_INT_(op) _mm256_##op##_si256
#define HFY_MM_CAST_(type) _mm256_castsi256_##type
#define HFY_MM_SET64_ _mm256_set1_epi64x
typedef __m256 HFY_FV_;
typedef __m256d HFY_DV_;
typedef __m256i HFY_D_(whole);
#else
#define HFY_MM_(op) _mm512_##op
#define HFY_MM_INT_(op) _mm512_##op##_si512
#define HFY_MM_CAST_(type) _mm512_castsi512_##type
#define HFY_MM_SET64_ _mm512_set1_epi64
typedef __m512 HFY_FV_;
typedef __m512d HFY_DV_;
typedef __m512i HFY_D_(whole);
#endif

#define HFY_WORD_(V, op, ps)                                                                                           \
  HFY_INLINE_ V(vec) V(op)(V(vec) a, V(vec) b) { return HFY_MM_(op##_##ps)(a, b); }
#define HFY_WORDS_(V, S, ps) /* max, min: the second operand where either is NaN */                                    \
  HFY_INLINE_ V(vec) V(zero)(void) { return HFY_MM_(setzero_##ps)(); }                                                 \
  HFY_INLINE_ V(vec) V(set)(S a) { return HFY_MM_(set1_##ps)(a); }                                                     \
  HFY_INLINE_ V(vec) V(load)(const S *p) { return HFY_MM_(loadu_##ps)(p); }                                            \
  HFY_INLINE_ void V(store)(S *p, V(vec) a) { HFY_MM_(storeu_##ps)(p, a); }                                            \
  HFY_INLINE_ V(vec) V(abs)(V(vec) a) { return HFY_MM_(andnot_##ps)(HFY_MM_(set1_##ps)(-(S)0), a); }                   \
  HFY_WORD_(V, add, ps) HFY_WORD_(V, sub, ps) HFY_WORD_(V, mul, ps)                                                    \
  HFY_WORD_(V, div, ps) HFY_WORD_(V, max, ps) HFY_WORD_(V, min, ps)
HFY_WORDS_(HFY_F_, float, ps)
HFY_WORDS_(HFY_D_, double, pd)
#undef HFY_WORDS_
#undef HFY_WORD_

#if HFY_SIMD_PASS_ == 2
/* A compiler that may use FMA for the whole file must not fuse here. */
#if (defined(__FMA__) || defined(__FMA4__)) && defined(__GNUC__)
#define HFY_SEPARATE_(v) __asm__("" : HFY_REGISTER_(v))
#else
#define HFY_SEPARATE_(v) (void)0
#endif
#define HFY_WORD_(V, name, ps, sum)                                                                                    \
  HFY_INLINE_ V(vec) V(name)(V(vec) a, V(vec) b, V(vec) c) {                                                           \
    V(vec) product = _mm_mul_##ps(a, b);                                                                               \
    HFY_SEPARATE_(product);                                                                                            \
    return sum;                                                                                                        \
  }
HFY_WORD_(HFY_F_, fma, ps, _mm_add_ps(product, c))
HFY_WORD_(HFY_D_, fma, pd, _mm_add_pd(product, c))
HFY_WORD_(HFY_F_, fnma, ps, _mm_sub_ps(c, product))
HFY_WORD_(HFY_D_, fnma, pd, _mm_sub_pd(c, product))
#undef HFY_WORD_
#undef HFY_SEPARATE_
#else
#define HFY_WORDS_(V, ps)                                                                                              \
  HFY_INLINE_ V(vec) V(fma)(V(vec) a, V(vec) b, V(vec) c) { return HFY_MM_(fmadd_##ps)(a, b, c); }                     \
  HFY_INLINE_ V(vec) V(fnma)(V(vec) a, V(vec) b, V(vec) c) { return HFY_MM_(fnmadd_##ps)(a, b, c); }
HFY_WORDS_(HFY_F_, ps)
HFY_WORDS_(HFY_D_, pd)
#undef HFY_WORDS_
#endif

/* To whole numbers; 2^n p for whole n and a result that stays normal; round(v) bits as a number: v units of the least
   denormal, 0 <= v <= 2^23 (2^52), made without touching one. */
#if HFY_SIMD_PASS_ == 2
HFY_INLINE_ HFY_FV_ HFY_F_(round)(HFY_FV_ a) { return _mm_cvtepi32_ps(_mm_cvtps_epi32(a)); }
HFY_INLINE_ HFY_DV_ HFY_D_(round)(HFY_DV_ a) { return _mm_cvtepi32_pd(_mm_cvtpd_epi32(a)); }
HFY_INLINE_ HFY_D_(whole) HFY_D_(to_whole)(HFY_DV_ a) {
  return _mm_unpacklo_epi32(_mm_cvtpd_epi32(a), _mm_setzero_si128()); /* the low 32 bits do */
}
#elif HFY_SIMD_PASS_ == 3
HFY_INLINE_ HFY_FV_ HFY_F_(round)(HFY_FV_ a) { return _mm256_round_ps(a, 8); }
HFY_INLINE_ HFY_DV_ HFY_D_(round)(HFY_DV_ a) { return _mm256_round_pd(a, 8); }
HFY_INLINE_ HFY_D_(whole) HFY_D_(to_whole)(HFY_DV_ a) { return _mm256_cvtepi32_epi64(_mm256_cvtpd_epi32(a)); }
#else
HFY_INLINE_ HFY_FV_ HFY_F_(round)(HFY_FV_ a) { return _mm512_cvtepi32_ps(_mm512_cvtps_epi32(a)); }
HFY_INLINE_ HFY_DV_ HFY_D_(round)(HFY_DV_ a) { return _mm512_cvtepi64_pd(_mm512_cvtpd_epi64(a)); }
HFY_INLINE_ HFY_D_(whole) HFY_D_(to_whole)(HFY_DV_ a) { return _mm512_cvtpd_epi64(a); }
#endif
HFY_INLINE_ HFY_FV_ HFY_F_(shift2)(HFY_FV_ p, HFY_FV_ t) { /* n in the last bits of t */
  return HFY_MM_CAST_(ps)(HFY_MM_(add_epi32)(HFY_MM_INT_(castps)(p), HFY_MM_(slli_epi32)(HFY_MM_INT_(castps)(t), 23)));
}
HFY_INLINE_ HFY_FV_ HFY_F_(scale2)(HFY_FV_ p, HFY_FV_ n) {
  return HFY_F_(shift2)(p, HFY_MM_CAST_(ps)(HFY_MM_(cvtps_epi32)(n)));
}
HFY_INLINE_ HFY_DV_ HFY_D_(scale2)(HFY_DV_ p, HFY_DV_ n) {
  return HFY_MM_CAST_(pd)(HFY_MM_(add_epi64)(HFY_MM_INT_(castpd)(p), HFY_MM_(slli_epi64)(HFY_D_(to_whole)(n), 52)));
}
HFY_INLINE_ HFY_FV_ HFY_F_(denormal)(HFY_FV_ v) {
  return HFY_MM_CAST_(ps)(HFY_MM_(sub_epi32)(HFY_MM_INT_(castps)(HFY_MM_(add_ps)(v, HFY_MM_(set1_ps)(8388608.0f))),
                                             HFY_MM_(set1_epi32)(0x4B000000)));
}
HFY_INLINE_ HFY_DV_ HFY_D_(denormal)(HFY_DV_ v) {
  return HFY_MM_CAST_(pd)(
      HFY_MM_(sub_epi64)(HFY_MM_INT_(castpd)(HFY_MM_(add_pd)(v, HFY_MM_(set1_pd)(4503599627370496.0))),
                         HFY_MM_SET64_(INT64_C(0x4330000000000000))));
}

/* a = 2^k m with m in [sqrt(1/2), sqrt 2), for positive normal a. */
HFY_INLINE_ HFY_DV_ HFY_D_(mantissa)(HFY_DV_ a, HFY_DV_ *k) {
  const HFY_D_(whole) half = HFY_MM_SET64_(INT64_C(0x3FE6A09E667F3BCD)); /* sqrt(1/2) */
  HFY_D_(whole) t = HFY_MM_(add_epi64)(HFY_MM_(sub_epi64)(HFY_MM_INT_(castpd)(a), half),
                                       HFY_MM_SET64_(INT64_C(0x3FF0000000000000)));
  HFY_D_(whole) biased = HFY_MM_INT_(or)(HFY_MM_(srli_epi64)(t, 52), HFY_MM_SET64_(INT64_C(0x4330000000000000)));
  *k = HFY_MM_(sub_pd)(HFY_MM_CAST_(pd)(biased), HFY_MM_(set1_pd)(4503599627370496.0 + 1023.0));
  return HFY_MM_CAST_(pd)(HFY_MM_(add_epi64)(HFY_MM_INT_(and)(t, HFY_MM_SET64_(INT64_C(0x000FFFFFFFFFFFFF))), half));
}

#if HFY_SIMD_PASS_ == 4
#define HFY_WORDS_(V, S, ps, mask)                                                                                     \
  typedef mask V(tail);                                                                                                \
  typedef mask V(cond);                                                                                                \
  HFY_INLINE_ mask V(first)(size_t n) { return (mask)((1u << n) - 1u); }                                               \
  HFY_INLINE_ V(vec) V(load_n)(const S *p, mask t) { return _mm512_maskz_loadu_##ps(t, p); }                           \
  HFY_INLINE_ void V(store_n)(S *p, V(vec) a, mask t) { _mm512_mask_storeu_##ps(p, t, a); }                            \
  HFY_INLINE_ V(vec) V(inside)(mask t, V(vec) a, V(vec) b) { return _mm512_mask_mov_##ps(b, t, a); }                   \
  HFY_INLINE_ V(vec) V(select)(mask c, V(vec) a, V(vec) b) { return _mm512_mask_mov_##ps(b, c, a); }                   \
  HFY_INLINE_ mask V(lt)(V(vec) a, V(vec) b) { return _mm512_cmp_##ps##_mask(a, b, _CMP_LT_OQ); }                      \
  HFY_INLINE_ mask V(le)(V(vec) a, V(vec) b) { return _mm512_cmp_##ps##_mask(a, b, _CMP_LE_OQ); }                      \
  HFY_INLINE_ mask V(nan)(V(vec) a, V(vec) b) { return _mm512_cmp_##ps##_mask(a, b, _CMP_UNORD_Q); }                   \
  HFY_INLINE_ mask V(either)(mask a, mask b) { return (mask)(a | b); }                                                 \
  HFY_INLINE_ unsigned V(bits)(mask c) { return (unsigned)c; }
HFY_WORDS_(HFY_F_, float, ps, __mmask16)
HFY_WORDS_(HFY_D_, double, pd, __mmask8)
#undef HFY_WORDS_
/* the lower and upper half of a float vector in double, and back */
HFY_INLINE_ HFY_DV_ HFY_F_(low)(HFY_FV_ a) { return _mm512_cvtps_pd(_mm512_castps512_ps256(a)); }
HFY_INLINE_ HFY_DV_ HFY_F_(high)(HFY_FV_ a) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)); }
HFY_INLINE_ HFY_FV_ HFY_F_(join)(HFY_DV_ low, HFY_DV_ high) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1);
}
/* One level of the fold. Both vectors are groups of 2*half lanes, each group the partial sums of one accumulator. Every
   group loses half its lanes (lane l + lane l + half); a's groups end up in the lower halves, b's in the upper. */
HFY_INLINE_ HFY_FV_ HFY_F_(halve)(HFY_FV_ a, HFY_FV_ b, int half) {
  if (half == 8) return _mm512_add_ps(_mm512_mask_blend_ps(0xFF00, a, b), _mm512_shuffle_f32x4(a, b, 0x4E));
  if (half == 4) {
    const __m512i cross = _mm512_setr_epi32(4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 24, 25, 26, 27);
    return _mm512_add_ps(_mm512_mask_blend_ps(0xF0F0, a, b), _mm512_permutex2var_ps(a, cross, b));
  }
  if (half == 2) return _mm512_add_ps(_mm512_mask_blend_ps(0xCCCC, a, b), _mm512_shuffle_ps(a, b, 0x4E));
  return _mm512_add_ps(_mm512_mask_blend_ps(0xAAAA, a, b), _mm512_permute_ps(_mm512_mask_blend_ps(0xAAAA, b, a), 0xB1));
}
HFY_INLINE_ HFY_DV_ HFY_D_(halve)(HFY_DV_ a, HFY_DV_ b, int half) {
  if (half == 4) return _mm512_add_pd(_mm512_mask_blend_pd(0xF0, a, b), _mm512_shuffle_f64x2(a, b, 0x4E));
  if (half == 2) {
    const __m512i cross = _mm512_setr_epi64(2, 3, 8, 9, 6, 7, 12, 13);
    return _mm512_add_pd(_mm512_mask_blend_pd(0xCC, a, b), _mm512_permutex2var_pd(a, cross, b));
  }
  return _mm512_add_pd(_mm512_mask_blend_pd(0xAA, a, b), _mm512_shuffle_pd(a, b, 0x55));
}
#else
#define HFY_WORDS_(V, ps)                                                                                              \
  typedef V(vec) V(cond);                                                                                              \
  HFY_INLINE_ V(cond) V(either)(V(cond) a, V(cond) b) { return HFY_MM_(or_##ps)(a, b); }                               \
  HFY_INLINE_ unsigned V(bits)(V(cond) c) { return (unsigned)HFY_MM_(movemask_##ps)(c); }
HFY_WORDS_(HFY_F_, ps)
HFY_WORDS_(HFY_D_, pd)
#undef HFY_WORDS_
#if HFY_SIMD_PASS_ == 3
#define HFY_WORDS_(V, S, ps)                                                                                           \
  typedef __m256i V(tail);                                                                                             \
  HFY_INLINE_ V(vec) V(load_n)(const S *p, __m256i t) { return _mm256_maskload_##ps(p, t); }                           \
  HFY_INLINE_ void V(store_n)(S *p, V(vec) a, __m256i t) { _mm256_maskstore_##ps(p, t, a); }                           \
  HFY_INLINE_ V(vec) V(select)(V(cond) c, V(vec) a, V(vec) b) { return _mm256_blendv_##ps(b, a, c); }                  \
  HFY_INLINE_ V(vec) V(inside)(__m256i t, V(vec) a, V(vec) b) { return V(select)(_mm256_castsi256_##ps(t), a, b); }    \
  HFY_INLINE_ V(cond) V(lt)(V(vec) a, V(vec) b) { return _mm256_cmp_##ps(a, b, _CMP_LT_OQ); }                          \
  HFY_INLINE_ V(cond) V(le)(V(vec) a, V(vec) b) { return _mm256_cmp_##ps(a, b, _CMP_LE_OQ); }                          \
  HFY_INLINE_ V(cond) V(nan)(V(vec) a, V(vec) b) { return _mm256_cmp_##ps(a, b, _CMP_UNORD_Q); }
HFY_WORDS_(HFY_F_, float, ps)
HFY_WORDS_(HFY_D_, double, pd)
#undef HFY_WORDS_
HFY_INLINE_ __m256i HFY_F_(first)(size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
HFY_INLINE_ __m256i HFY_D_(first)(size_t n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x((int64_t)n), _mm256_setr_epi64x(0, 1, 2, 3));
}
HFY_INLINE_ HFY_DV_ HFY_F_(low)(HFY_FV_ a) { return _mm256_cvtps_pd(_mm256_castps256_ps128(a)); }
HFY_INLINE_ HFY_DV_ HFY_F_(high)(HFY_FV_ a) { return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)); }
HFY_INLINE_ HFY_FV_ HFY_F_(join)(HFY_DV_ low, HFY_DV_ high) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high), 1);
}
HFY_INLINE_ HFY_FV_ HFY_F_(halve)(HFY_FV_ a, HFY_FV_ b, int half) {
  if (half == 4) return _mm256_add_ps(_mm256_blend_ps(a, b, 0xF0), _mm256_permute2f128_ps(a, b, 0x21));
  if (half == 2) return _mm256_add_ps(_mm256_blend_ps(a, b, 0xCC), _mm256_shuffle_ps(a, b, 0x4E));
  return _mm256_add_ps(_mm256_blend_ps(a, b, 0xAA), _mm256_permute_ps(_mm256_blend_ps(b, a, 0xAA), 0xB1));
}
HFY_INLINE_ HFY_DV_ HFY_D_(halve)(HFY_DV_ a, HFY_DV_ b, int half) {
  if (half == 2) return _mm256_add_pd(_mm256_blend_pd(a, b, 0xC), _mm256_permute2f128_pd(a, b, 0x21));
  return _mm256_add_pd(_mm256_blend_pd(a, b, 0xA), _mm256_shuffle_pd(a, b, 0x5));
}
#else /* SSE2: lanes beyond the first n stand where lane 0 does */
typedef struct HFY_F_(tail) {
  __m128 in;
  size_t at1, at2, at3;
} HFY_F_(tail);
typedef struct HFY_D_(tail) {
  __m128d in;
  size_t at1;
} HFY_D_(tail);
HFY_INLINE_ HFY_F_(tail) HFY_F_(first)(size_t n) {
  const __m128i in = _mm_cmpgt_epi32(_mm_set1_epi32((int)n), _mm_setr_epi32(0, 1, 2, 3));
  const HFY_F_(tail) t = {_mm_castsi128_ps(in), n > 1, n > 2 ? 2u : 0, n > 3 ? 3u : 0};
  return t;
}
HFY_INLINE_ HFY_D_(tail) HFY_D_(first)(size_t n) {
  const __m128i in = _mm_cmpgt_epi32(_mm_set1_epi32((int)n), _mm_setr_epi32(0, 0, 1, 1));
  const HFY_D_(tail) t = {_mm_castsi128_pd(in), n > 1};
  return t;
}
HFY_INLINE_ HFY_FV_ HFY_F_(load_n)(const float *p, HFY_F_(tail) t) {
  return _mm_and_ps(_mm_setr_ps(p[0], p[t.at1], p[t.at2], p[t.at3]), t.in);
}
HFY_INLINE_ HFY_DV_ HFY_D_(load_n)(const double *p, HFY_D_(tail) t) {
  return _mm_and_pd(_mm_setr_pd(p[0], p[t.at1]), t.in);
}
HFY_INLINE_ void HFY_F_(store_n)(float *p, HFY_FV_ a, HFY_F_(tail) t) {
  _mm_store_ss(p + t.at3, _mm_shuffle_ps(a, a, 3));
  _mm_store_ss(p + t.at2, _mm_movehl_ps(a, a));
  _mm_store_ss(p + t.at1, _mm_shuffle_ps(a, a, 1));
  _mm_store_ss(p, a);
}
HFY_INLINE_ void HFY_D_(store_n)(double *p, HFY_DV_ a, HFY_D_(tail) t) {
  _mm_storeh_pd(p + t.at1, a);
  _mm_store_sd(p, a);
}
#define HFY_WORDS_(V, ps)                                                                                              \
  HFY_INLINE_ V(vec) V(select)(V(cond) c, V(vec) a, V(vec) b) {                                                        \
    return _mm_or_##ps(_mm_and_##ps(c, a), _mm_andnot_##ps(c, b));                                                     \
  }                                                                                                                    \
  HFY_INLINE_ V(vec) V(inside)(V(tail) t, V(vec) a, V(vec) b) { return V(select)(t.in, a, b); }                        \
  HFY_INLINE_ V(cond) V(lt)(V(vec) a, V(vec) b) { return _mm_cmplt_##ps(a, b); }                                       \
  HFY_INLINE_ V(cond) V(le)(V(vec) a, V(vec) b) { return _mm_cmple_##ps(a, b); }                                       \
  HFY_INLINE_ V(cond) V(nan)(V(vec) a, V(vec) b) { return _mm_cmpunord_##ps(a, b); }
HFY_WORDS_(HFY_F_, ps)
HFY_WORDS_(HFY_D_, pd)
#undef HFY_WORDS_
HFY_INLINE_ HFY_DV_ HFY_F_(low)(HFY_FV_ a) { return _mm_cvtps_pd(a); }
HFY_INLINE_ HFY_DV_ HFY_F_(high)(HFY_FV_ a) { return _mm_cvtps_pd(_mm_movehl_ps(a, a)); }
HFY_INLINE_ HFY_FV_ HFY_F_(join)(HFY_DV_ low, HFY_DV_ high) {
  return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}
HFY_INLINE_ HFY_FV_ HFY_F_(halve)(HFY_FV_ a, HFY_FV_ b, int half) {
  __m128 low = _mm_unpacklo_ps(a, b), high = _mm_unpackhi_ps(a, b);
  if (half == 2) return _mm_add_ps(_mm_movelh_ps(a, b), _mm_movehl_ps(b, a));
  return _mm_add_ps(_mm_movelh_ps(low, high), _mm_movehl_ps(high, low));
}
HFY_INLINE_ HFY_DV_ HFY_D_(halve)(HFY_DV_ a, HFY_DV_ b, int half) {
  (void)half;
  return _mm_add_pd(_mm_unpacklo_pd(a, b), _mm_unpackhi_pd(a, b));
}
#endif
#endif

/* Moves the lanes whose bit is set to the front, of numbers and of indices. */
#if HFY_SIMD_PASS_ == 3 && SIZE_MAX > 0xFFFFFFFF
#define HFY_PACK_
HFY_INLINE_ size_t HFY_D_(count)(unsigned bits) { return (size_t)_mm_popcnt_u32(bits); }
HFY_INLINE_ HFY_D_(whole) HFY_D_(index_load)(const size_t *p) {
  return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
HFY_INLINE_ void HFY_D_(index_store)(size_t *p, HFY_D_(whole) a) { _mm256_storeu_si256((__m256i *)(void *)p, a); }
HFY_INLINE_ HFY_D_(whole) HFY_D_(index_from)(size_t i) {
  return _mm256_add_epi64(_mm256_set1_epi64x((int64_t)i), _mm256_setr_epi64x(0, 1, 2, 3));
}
/* where the 32-bit halves go, for each of the 16 sets of kept lanes */
static const uint64_t HFY_D_(places)[16] = {
  0,          0x0100,         0x0302,         0x03020100,     0x0504,         0x05040100,     0x05040302,
  0x050403020100, 0x0706,     0x07060100,     0x07060302,     0x070603020100, 0x07060504,     0x070605040100,
  0x070605040302, 0x0706050403020100};
HFY_INLINE_ HFY_D_(whole) HFY_D_(index_pack)(unsigned bits, HFY_D_(whole) a) {
  return _mm256_permutevar8x32_epi32(a, _mm256_cvtepu8_epi32(_mm_set1_epi64x((int64_t)HFY_D_(places)[bits])));
}
HFY_INLINE_ HFY_DV_ HFY_D_(pack)(unsigned bits, HFY_DV_ a) {
  return _mm256_castsi256_pd(HFY_D_(index_pack)(bits, _mm256_castpd_si256(a)));
}
#endif
#undef HFY_MM_
#undef HFY_MM_INT_
#undef HFY_MM_CAST_
#undef HFY_MM_SET64_

#else /* NEON */
typedef float32x4_t HFY_FV_;
typedef float64x2_t HFY_DV_;
#define HFY_WORD_(V, op, f32)                                                                                          \
  HFY_INLINE_ V(vec) V(op)(V(vec) a, V(vec) b) { return v##op##q_##f32(a, b); }
#define HFY_WORDS_(V, S, f32, u32, truth)                                                                              \
  typedef size_t V(tail);                                                                                              \
  typedef truth V(cond);                                                                                               \
  HFY_INLINE_ V(vec) V(zero)(void) { return vdupq_n_##f32(0); }                                                        \
  HFY_INLINE_ V(vec) V(set)(S a) { return vdupq_n_##f32(a); }                                                          \
  HFY_INLINE_ V(vec) V(load)(const S *p) { return vld1q_##f32(p); }                                                    \
  HFY_INLINE_ void V(store)(S *p, V(vec) a) { vst1q_##f32(p, a); }                                                     \
  HFY_WORD_(V, add, f32) HFY_WORD_(V, sub, f32) HFY_WORD_(V, mul, f32)                                                 \
  HFY_WORD_(V, div, f32) HFY_WORD_(V, max, f32) HFY_WORD_(V, min, f32)                                                 \
  HFY_INLINE_ V(vec) V(abs)(V(vec) a) { return vabsq_##f32(a); }                                                       \
  HFY_INLINE_ V(vec) V(fma)(V(vec) a, V(vec) b, V(vec) c) { return vfmaq_##f32(c, a, b); }                             \
  HFY_INLINE_ V(vec) V(fnma)(V(vec) a, V(vec) b, V(vec) c) { return vfmsq_##f32(c, a, b); }                            \
  HFY_INLINE_ V(vec) V(round)(V(vec) a) { return vrndnq_##f32(a); }                                                    \
  HFY_INLINE_ V(tail) V(first)(size_t n) { return n; }                                                                 \
  HFY_INLINE_ V(vec) V(select)(V(cond) c, V(vec) a, V(vec) b) { return vbslq_##f32(c, a, b); }                         \
  HFY_INLINE_ V(cond) V(lt)(V(vec) a, V(vec) b) { return vcltq_##f32(a, b); }                                          \
  HFY_INLINE_ V(cond) V(le)(V(vec) a, V(vec) b) { return vcleq_##f32(a, b); }                                          \
  HFY_INLINE_ V(cond) V(either)(V(cond) a, V(cond) b) { return vorrq_##u32(a, b); }
HFY_WORDS_(HFY_F_, float, f32, u32, uint32x4_t)
HFY_WORDS_(HFY_D_, double, f64, u64, uint64x2_t)
#undef HFY_WORDS_
#undef HFY_WORD_
HFY_INLINE_ HFY_FV_ HFY_F_(shift2)(HFY_FV_ p, HFY_FV_ t) {
  return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), vshlq_n_s32(vreinterpretq_s32_f32(t), 23)));
}
HFY_INLINE_ HFY_FV_ HFY_F_(scale2)(HFY_FV_ p, HFY_FV_ n) {
  return HFY_F_(shift2)(p, vreinterpretq_f32_s32(vcvtnq_s32_f32(n)));
}
HFY_INLINE_ HFY_DV_ HFY_D_(scale2)(HFY_DV_ p, HFY_DV_ n) {
  return vreinterpretq_f64_s64(vaddq_s64(vreinterpretq_s64_f64(p), vshlq_n_s64(vcvtnq_s64_f64(n), 52)));
}
HFY_INLINE_ HFY_FV_ HFY_F_(denormal)(HFY_FV_ v) {
  return vreinterpretq_f32_s32(
      vsubq_s32(vreinterpretq_s32_f32(vaddq_f32(v, vdupq_n_f32(8388608.0f))), vdupq_n_s32(0x4B000000)));
}
HFY_INLINE_ HFY_DV_ HFY_D_(denormal)(HFY_DV_ v) {
  return vreinterpretq_f64_s64(vsubq_s64(vreinterpretq_s64_f64(vaddq_f64(v, vdupq_n_f64(4503599627370496.0))),
                                         vdupq_n_s64(INT64_C(0x4330000000000000))));
}
HFY_INLINE_ HFY_DV_ HFY_D_(mantissa)(HFY_DV_ a, HFY_DV_ *k) {
  const int64x2_t half = vdupq_n_s64(INT64_C(0x3FE6A09E667F3BCD)), one = vdupq_n_s64(INT64_C(0x3FF0000000000000));
  int64x2_t t = vaddq_s64(vsubq_s64(vreinterpretq_s64_f64(a), half), one);
  *k = vsubq_f64(vcvtq_f64_s64(vshrq_n_s64(t, 52)), vdupq_n_f64(1023.0));
  return vreinterpretq_f64_s64(vaddq_s64(vandq_s64(t, vdupq_n_s64(INT64_C(0x000FFFFFFFFFFFFF))), half));
}
HFY_INLINE_ HFY_FV_ HFY_F_(load_n)(const float *p, HFY_F_(tail) t) {
  float32x2_t zero = vdup_n_f32(0);
  if (t >= 4) return vld1q_f32(p);
  if (t < 2) return vcombine_f32(t ? vld1_lane_f32(p, zero, 0) : zero, zero);
  return vcombine_f32(vld1_f32(p), t == 3 ? vld1_lane_f32(p + 2, zero, 0) : zero);
}
HFY_INLINE_ HFY_DV_ HFY_D_(load_n)(const double *p, HFY_D_(tail) t) {
  return t > 1 ? vld1q_f64(p) : t ? vcombine_f64(vld1_f64(p), vdup_n_f64(0)) : vdupq_n_f64(0);
}
HFY_INLINE_ void HFY_F_(store_n)(float *p, HFY_FV_ a, HFY_F_(tail) t) {
  if (t >= 4) vst1q_f32(p, a);
  if (t == 1) vst1q_lane_f32(p, a, 0);
  if (t == 2 || t == 3) vst1_f32(p, vget_low_f32(a));
  if (t == 3) vst1q_lane_f32(p + 2, a, 2);
}
HFY_INLINE_ void HFY_D_(store_n)(double *p, HFY_DV_ a, HFY_D_(tail) t) {
  if (t > 1)
    vst1q_f64(p, a);
  else if (t)
    vst1q_lane_f64(p, a, 0);
}
HFY_INLINE_ HFY_FV_ HFY_F_(inside)(HFY_F_(tail) t, HFY_FV_ a, HFY_FV_ b) {
  static const uint32_t lane[4] = {0, 1, 2, 3};
  return vbslq_f32(vcgtq_u32(vdupq_n_u32((uint32_t)t), vld1q_u32(lane)), a, b);
}
HFY_INLINE_ HFY_DV_ HFY_D_(inside)(HFY_D_(tail) t, HFY_DV_ a, HFY_DV_ b) {
  return t > 1 ? a : t ? vcombine_f64(vget_low_f64(a), vget_high_f64(b)) : b;
}
HFY_INLINE_ HFY_F_(cond) HFY_F_(nan)(HFY_FV_ a, HFY_FV_ b) {
  return vmvnq_u32(vandq_u32(vceqq_f32(a, a), vceqq_f32(b, b)));
}
HFY_INLINE_ HFY_D_(cond) HFY_D_(nan)(HFY_DV_ a, HFY_DV_ b) {
  return vreinterpretq_u64_u32(vmvnq_u32(vreinterpretq_u32_u64(vandq_u64(vceqq_f64(a, a), vceqq_f64(b, b)))));
}
HFY_INLINE_ unsigned HFY_F_(bits)(HFY_F_(cond) c) {
  static const uint32_t bit[4] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(c, vld1q_u32(bit)));
}
HFY_INLINE_ unsigned HFY_D_(bits)(HFY_D_(cond) c) {
  return (unsigned)((vgetq_lane_u64(c, 0) & 1) | (vgetq_lane_u64(c, 1) & 2));
}
HFY_INLINE_ HFY_DV_ HFY_F_(low)(HFY_FV_ a) { return vcvt_f64_f32(vget_low_f32(a)); }
HFY_INLINE_ HFY_DV_ HFY_F_(high)(HFY_FV_ a) { return vcvt_high_f64_f32(a); }
HFY_INLINE_ HFY_FV_ HFY_F_(join)(HFY_DV_ low, HFY_DV_ high) { return vcvt_high_f32_f64(vcvt_f32_f64(low), high); }
HFY_INLINE_ HFY_FV_ HFY_F_(halve)(HFY_FV_ a, HFY_FV_ b, int half) {
  if (half == 2)
    return vaddq_f32(vcombine_f32(vget_low_f32(a), vget_low_f32(b)), vcombine_f32(vget_high_f32(a), vget_high_f32(b)));
  return vaddq_f32(vtrn1q_f32(a, b), vtrn2q_f32(a, b));
}
HFY_INLINE_ HFY_DV_ HFY_D_(halve)(HFY_DV_ a, HFY_DV_ b, int half) {
  (void)half;
  return vaddq_f64(vtrn1q_f64(a, b), vtrn2q_f64(a, b));
}
#endif
/* A vector of doubles has all of them in its lower half. */
HFY_INLINE_ HFY_DV_ HFY_D_(low)(HFY_DV_ a) { return a; }
HFY_INLINE_ HFY_DV_ HFY_D_(high)(HFY_DV_ a) {
  (void)a;
  return HFY_D_(zero)();
}
HFY_INLINE_ HFY_DV_ HFY_D_(join)(HFY_DV_ low, HFY_DV_ high) {
  (void)high;
  return low;
}

#endif

/* --- the kernels, once for every instruction set; the first of them for either precision --- */

#if HFY_SIMD_PASS_ != 1
/* Folds n (1 .. LANES) vectors at once, each into the sum of its lanes: lane l + lane l + LANES/2, and so on. */
HFY_INLINE_ void HFY_V_(fold)(const HFY_VV_ *acc, int n, HFY_S_ *sum) {
  enum { lanes = HFY_LANES_ };
  static const unsigned char reversed[16] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
  HFY_VV_ v[HFY_LANES_];
  HFY_S_ lane[HFY_LANES_];
  int i, m = n;
  HFY_UNROLL_ for (i = 0; i < n; i++) v[i] = acc[i];
#define HFY_LEVEL_(half)                                                                                               \
  if (lanes > (half)) {                                                                                                \
    HFY_UNROLL_ for (i = 0; i < m; i += 2) v[i / 2] = HFY_V_(halve)(v[i], v[i + 1 < m ? i + 1 : i], half);             \
    m = (m + 1) / 2;                                                                                                   \
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

/* The next n elements, a vector's at most; up_to: a with what is beyond them taken from b. */
HFY_INLINE_ HFY_VV_ HFY_V_(load_up)(const HFY_S_ *p, size_t n) {
  return n >= HFY_LANES_ ? HFY_V_(load)(p) : HFY_V_(load_n)(p, HFY_V_(first)(n));
}
HFY_INLINE_ void HFY_V_(store_up)(HFY_S_ *p, HFY_VV_ a, size_t n) {
  if (n >= HFY_LANES_)
    HFY_V_(store)(p, a);
  else
    HFY_V_(store_n)(p, a, HFY_V_(first)(n));
}
/* One vector, or (masked, a constant) its first lanes. */
HFY_INLINE_ HFY_VV_ HFY_V_(get)(int masked, const HFY_S_ *p, HFY_V_(tail) t) {
  return masked ? HFY_V_(load_n)(p, t) : HFY_V_(load)(p);
}
HFY_INLINE_ void HFY_V_(put)(int masked, HFY_S_ *p, HFY_VV_ a, HFY_V_(tail) t) {
  if (masked)
    HFY_V_(store_n)(p, a, t);
  else
    HFY_V_(store)(p, a);
}
#if HFY_SIMD_PASS_ != 1
HFY_INLINE_ HFY_VV_ HFY_V_(up_to)(size_t n, HFY_VV_ a, HFY_VV_ b) {
  return n >= HFY_LANES_ ? a : HFY_V_(inside)(HFY_V_(first)(n), a, b);
}
#endif

HFY_INLINE_ HFY_VV_ HFY_V_(accumulate)(int kind, HFY_VV_ acc, HFY_VV_ a, HFY_VV_ b) {
  if (kind == HFY_SIMD_DOT_) return HFY_V_(fma)(a, b, acc);
  a = HFY_V_(sub)(a, b);
  return kind == HFY_SIMD_EUCLIDEAN_ ? HFY_V_(fma)(a, a, acc) : HFY_V_(add)(acc, HFY_V_(abs)(a));
}

/* A tile; kind, rows and queries are constants. */
HFY_INLINE_ void HFY_V_(tile)(int kind, int rows, int queries, const hfy_simd_tile_ *t) {
  enum { lanes = HFY_LANES_ };
  HFY_VV_ acc[HFY_SIMD_TALL_ * HFY_QUERIES_], b[HFY_QUERIES_];
  HFY_S_ sum[HFY_SIMD_TALL_ * HFY_QUERIES_], *out = (HFY_S_ *)t->out;
  const HFY_S_ *x[HFY_SIMD_TALL_], *q[HFY_QUERIES_];
  const size_t n = t->n, ahead = t->ahead, out_stride = t->out_stride;
  size_t k = 0;
  int i, j;
  HFY_UNROLL_ for (i = 0; i < rows; i++) x[i] = (const HFY_S_ *)t->x[i];
  HFY_UNROLL_ for (j = 0; j < queries; j++) q[j] = (const HFY_S_ *)t->q[j];
  HFY_UNROLL_ for (i = 0; i < rows * queries; i++) acc[i] = HFY_V_(zero)();
  for (; k + lanes <= n; k += lanes) {
    HFY_UNROLL_ for (j = 0; j < queries; j++) b[j] = HFY_V_(load)(q[j] + k);
    HFY_UNROLL_ for (i = 0; i < rows; i++) {
      HFY_VV_ a = HFY_V_(load)(x[i] + k);
      if (queries > 1) HFY_PIN_(a);
      HFY_UNROLL_ for (j = 0; j < queries; j++)
        acc[j * rows + i] = HFY_V_(accumulate)(kind, acc[j * rows + i], a, b[j]);
    }
    if (queries == 1 && ahead && (HFY_BYTES_ >= 64 || !(k * sizeof(HFY_S_) & 63)))
      HFY_UNROLL_ for (i = 0; i < rows; i++) HFY_PREFETCH_((uintptr_t)(x[i] + k) + ahead);
  }
  if (k < n) {
    HFY_V_(tail) rest = HFY_V_(first)(n - k);
    HFY_UNROLL_ for (j = 0; j < queries; j++) b[j] = HFY_V_(load_n)(q[j] + k, rest);
    HFY_UNROLL_ for (i = 0; i < rows; i++) {
      HFY_VV_ a = HFY_V_(load_n)(x[i] + k, rest);
      HFY_UNROLL_ for (j = 0; j < queries; j++)
        acc[j * rows + i] = HFY_V_(accumulate)(kind, acc[j * rows + i], a, b[j]);
    }
  }
  HFY_UNROLL_ for (i = 0; i < rows * queries; i += lanes)
    HFY_V_(fold)(acc + i, rows * queries - i < lanes ? rows * queries - i : lanes, sum + i);
  HFY_UNROLL_ for (j = 0; j < queries; j++)
    HFY_UNROLL_ for (i = 0; i < rows; i++) out[(size_t)j * out_stride + (size_t)i] = sum[j * rows + i];
}

#define HFY_PAIRS_(name, kind, tall, few_rows, queries)                                                                \
  HFY_TARGET_ void HFY_V_(name##_one)(const hfy_simd_tile_ *t) { HFY_V_(tile)(kind, tall, 1, t); }                     \
  HFY_TARGET_ void HFY_V_(name##_few)(const hfy_simd_tile_ *t) { HFY_V_(tile)(kind, few_rows, queries, t); }           \
  HFY_TARGET_ void HFY_V_(name)(const HFY_S_ *x, size_t x_stride, size_t rows, const HFY_S_ *q, size_t q_stride,       \
                                size_t nq, size_t dim, HFY_S_ *out, size_t out_stride) {                               \
    const int one = (queries) == 1;                                                                                    \
    const hfy_simd_tiles_ by = {sizeof(HFY_S_), tall, one ? (tall) : (few_rows), queries,                              \
                                HFY_V_(name##_one), one ? HFY_V_(name##_one) : HFY_V_(name##_few)};                    \
    const hfy_simd_all_ all = {&by, x, q, out, x_stride, rows, q_stride, nq, dim, out_stride};                         \
    hfy_simd_all_pairs_(&all);                                                                                         \
  }
#ifdef HFY_SIMD_OTHER_ /* linear algebra has one query only */
HFY_PAIRS_(dot, HFY_SIMD_DOT_, HFY_TALL_, HFY_ROWS_, 1)
#else
HFY_PAIRS_(dot, HFY_SIMD_DOT_, HFY_TALL_, HFY_ROWS_, HFY_QUERIES_)
#endif
HFY_PAIRS_(euclidean, HFY_SIMD_EUCLIDEAN_, 4, 4, HFY_QUERIES_ < 2 ? 1 : 2) /* more arithmetic than loads */
HFY_PAIRS_(manhattan, HFY_SIMD_MANHATTAN_, 4, 4, HFY_QUERIES_ < 2 ? 1 : 2)
#undef HFY_PAIRS_
/* One query. */
HFY_TARGET_ void HFY_V_(dots)(const HFY_S_ *x, size_t x_stride, size_t rows, const HFY_S_ *q, size_t dim, HFY_S_ *out) {
  HFY_V_(dot)(x, x_stride, rows, q, 0, 1, dim, out, 0);
}

/* z += sum of w[i] row[i], `rows` of them; row: 4 entries more, those of rows to come. */
HFY_INLINE_ void HFY_V_(add_rows)(int rows, const HFY_S_ *w, const HFY_S_ *const *row, size_t dim, HFY_S_ *z) {
  enum { lanes = HFY_LANES_ };
  const HFY_S_ *x[4], *next[4];
  HFY_VV_ a[4], v;
  size_t k = 0;
  int r;
  HFY_UNROLL_ for (r = 0; r < rows; r++) {
    a[r] = HFY_V_(set)(w[r]);
    x[r] = row[r];
    next[r] = row[r + 4];
  }
  for (; k + lanes <= dim; k += lanes) {
    v = HFY_V_(load)(z + k);
    HFY_UNROLL_ for (r = 0; r < rows; r++) v = HFY_V_(fma)(a[r], HFY_V_(load)(x[r] + k), v);
    HFY_V_(store)(z + k, v);
    if (rows > 1 && (HFY_BYTES_ >= 64 || !(k * sizeof(HFY_S_) & 63)))
      HFY_UNROLL_ for (r = 0; r < rows; r++) HFY_PREFETCH_(next[r] + k);
  }
  if (k < dim) {
    const HFY_V_(tail) t = HFY_V_(first)(dim - k);
    v = HFY_V_(load_n)(z + k, t);
    HFY_UNROLL_ for (r = 0; r < rows; r++) v = HFY_V_(fma)(a[r], HFY_V_(load_n)(x[r] + k, t), v);
    HFY_V_(store_n)(z + k, v, t);
  }
}

/* The same for any number of rows. */
HFY_TARGET_ HFY_SIMD_NOINLINE_ void HFY_V_(sum)(const HFY_S_ *w, const HFY_S_ **row, size_t count, size_t dim,
                                                 HFY_S_ *z) {
  size_t i = 0, k;
  if (!count) return;
  for (k = 0; k < 4; k++) row[count + k] = row[count - 1] + dim; /* most often the rows that come next */
  for (; i + 4 <= count; i += 4) HFY_V_(add_rows)(4, w + i, row + i, dim, z);
  for (; i < count; i++) HFY_V_(add_rows)(1, w + i, row + i, dim, z);
}
/* One tile of a block: BATCH rows at i, columns at j of a panel b: `strip` vectors, or of a single one n lanes. */
HFY_INLINE_ void HFY_V_(multiply)(int strip, const hfy_simd_block_ *block, size_t i, size_t j, const HFY_S_ *b,
                                  size_t n) {
  enum { lanes = HFY_LANES_ };
  const int masked = strip == 1;
  const HFY_V_(tail) t = HFY_V_(first)(masked ? n : 1);
  const HFY_VV_ sign = HFY_V_(set)((HFY_S_)(block->minus ? -1 : 1)); /* C - AB = -(-C + AB) */
  const size_t left = block->rows - i, a_col = block->a_col, b_row = block->b_row;
  const HFY_S_ *pa[HFY_BATCH_];
  HFY_S_ *c[HFY_BATCH_];
  HFY_VV_ acc[HFY_BATCH_ * HFY_STRIP_], v[HFY_STRIP_];
  size_t p, q = 0;
  int l, r;
  pa[0] = (const HFY_S_ *)block->a + i / HFY_BATCH_ * block->a_tile;
  c[0] = (HFY_S_ *)block->c + i * block->c_row + j;
  HFY_UNROLL_ for (r = 1; r < HFY_BATCH_; r++) { /* the edge does the last row again */
    pa[r] = pa[r - 1] + ((size_t)r < left ? block->a_row : 0);
    c[r] = c[r - 1] + ((size_t)r < left ? block->c_row : 0);
  }
  if (left > HFY_BATCH_) /* those of the next tile */
    HFY_UNROLL_ for (r = 0; r < HFY_BATCH_; r++)
      HFY_PREFETCH_((uintptr_t)c[r] + HFY_BATCH_ * block->c_row * sizeof *c[r]);
  HFY_UNROLL_ for (l = 0; l < HFY_BATCH_ * HFY_STRIP_; l++) acc[l] = HFY_V_(mul)(sign, HFY_V_(zero)());
  if (!block->over)
    HFY_UNROLL_ for (r = 0; r < HFY_BATCH_; r++)
      HFY_UNROLL_ for (l = 0; l < strip; l++)
        acc[r * HFY_STRIP_ + l] = HFY_V_(mul)(sign, HFY_V_(get)(masked, c[r] + l * lanes, t));
  for (p = block->depth; p; p--, b += b_row, q += a_col) {
    HFY_UNROLL_ for (l = 0; l < strip; l++) {
      v[l] = HFY_V_(get)(masked, b + l * lanes, t);
      HFY_PIN_(v[l]);
    }
    HFY_UNROLL_ for (r = 0; r < HFY_BATCH_; r++) {
      HFY_VV_ w = HFY_V_(set)(pa[r][q]);
      HFY_UNROLL_ for (l = 0; l < strip; l++) acc[r * HFY_STRIP_ + l] = HFY_V_(fma)(w, v[l], acc[r * HFY_STRIP_ + l]);
    }
  }
  HFY_UNROLL_ for (r = 0; r < HFY_BATCH_; r++)
    HFY_UNROLL_ for (l = 0; l < strip; l++)
      HFY_V_(put)(masked, c[r] + l * lanes, HFY_V_(mul)(sign, acc[r * HFY_STRIP_ + l]), t);
}

enum { HFY_V_(wide) = HFY_STRIP_ * HFY_LANES_ };

/* A panel of B stays in L1 while the rows of A pass. */
HFY_TARGET_ HFY_SIMD_NOINLINE_ void HFY_V_(block)(const hfy_simd_block_ *block) {
  enum { lanes = HFY_LANES_, wide = HFY_V_(wide), line = 64 / sizeof(HFY_S_) };
  const size_t rows = block->rows, columns = block->columns;
  const HFY_S_ *b = (const HFY_S_ *)block->b, *next = (const HFY_S_ *)block->next;
  size_t i, j = 0, l;
  for (; j + wide <= columns; j += wide, b += block->b_panel) {
    for (i = 0; i < block->ahead; i++)
      for (l = 0; l < wide; l += line) HFY_PREFETCH_L2_(next + i * block->b_row + j + l);
    for (i = 0; i < rows; i += HFY_BATCH_) HFY_V_(multiply)(HFY_STRIP_, block, i, j, b, 0);
  }
  for (i = 0; i < block->ahead; i++)
    for (l = j; l < columns; l += line) HFY_PREFETCH_L2_(next + i * block->b_row + l);
  for (; j < columns; j += lanes, b += lanes)
    for (i = 0; i < rows; i += HFY_BATCH_) HFY_V_(multiply)(1, block, i, j, b, hfy_base_min_(lanes, columns - j));
}

/* What chase does on `strip` vectors of columns, or on the first n lanes of a single one. */
HFY_INLINE_ void HFY_V_(chase_strip)(int strip, HFY_S_ *row, size_t stride, size_t n, const HFY_S_ *coefficient,
                                     size_t count) {
  enum { lanes = HFY_LANES_ };
  const int masked = strip == 1;
  const HFY_V_(tail) t = HFY_V_(first)(masked ? n : 1);
  HFY_VV_ a[4], b[4];
  int v;
  HFY_UNROLL_ for (v = 0; v < strip; v++) {
    a[v] = HFY_V_(get)(masked, row + v * lanes, t);
    b[v] = HFY_V_(get)(masked, row + stride + v * lanes, t);
  }
  for (; count; count--, row += stride, coefficient += 3) {
    const HFY_VV_ q = HFY_V_(set)(coefficient[0]), r = HFY_V_(set)(coefficient[1]);
    const HFY_VV_ tau = HFY_V_(set)(-coefficient[2]);
    HFY_UNROLL_ for (v = 0; v < strip; v++) {
      const HFY_VV_ d = HFY_V_(get)(masked, row + 2 * stride + v * lanes, t);
      const HFY_VV_ y = HFY_V_(mul)(tau, HFY_V_(fma)(r, d, HFY_V_(fma)(q, b[v], a[v])));
      HFY_V_(put)(masked, row + v * lanes, HFY_V_(fma)(y, HFY_V_(set)(1), a[v]), t);
      a[v] = HFY_V_(fma)(y, q, b[v]);
      b[v] = HFY_V_(fma)(y, r, d);
    }
  }
  HFY_UNROLL_ for (v = 0; v < strip; v++) {
    HFY_V_(put)(masked, row + v * lanes, a[v], t);
    HFY_V_(put)(masked, row + stride + v * lanes, b[v], t);
  }
}

/* `count` reflections I - tau u u^T, u = (1, q, r), the k-th on rows k, k+1, k+2 of x (`stride` apart, `columns` wide):
   one element of three is done with at each step, so two stay in registers. coefficient: q, r, tau of each. */
HFY_TARGET_ void HFY_V_(chase)(HFY_S_ *x, size_t stride, size_t columns, const HFY_S_ *coefficient, size_t count) {
  enum { lanes = HFY_LANES_ };
  size_t c = 0;
  for (; c + 4 * lanes <= columns; c += 4 * lanes) HFY_V_(chase_strip)(4, x + c, stride, 0, coefficient, count);
  for (; c < columns; c += lanes)
    HFY_V_(chase_strip)(1, x + c, stride, hfy_base_min_(lanes, columns - c), coefficient, count);
}

#if HFY_SIMD_PASS_ != 1 && !defined(HFY_SIMD_OTHER_)

/* z of BATCH queries, from column k `strip` vectors (or of a single one n lanes), += the listed rows. */
HFY_INLINE_ void HFY_V_(strip)(int strip, const hfy_simd_listed_ *list, size_t k, size_t n) {
  enum { lanes = HFY_LANES_ };
  const int masked = strip == 1;
  const HFY_V_(tail) t = HFY_V_(first)(masked ? n : 1);
  const HFY_S_ *w = list->w;
  HFY_S_ *const *z = list->z;
  HFY_VV_ acc[HFY_BATCH_ * HFY_STRIP_], v[HFY_STRIP_];
  size_t i;
  int c, j;
  HFY_UNROLL_ for (j = 0; j < HFY_BATCH_; j++)
    HFY_UNROLL_ for (c = 0; c < strip; c++) acc[j * HFY_STRIP_ + c] = HFY_V_(get)(masked, z[j] + k + c * lanes, t);
  for (i = 0; i < list->count; i++, w += HFY_BATCH_) {
    const unsigned bits = list->used[i];
    const HFY_S_ *x = list->row[i] + k;
    HFY_UNROLL_ for (c = 0; c < strip; c++) {
      v[c] = HFY_V_(get)(masked, x + c * lanes, t);
      HFY_PIN_(v[c]);
    }
    HFY_UNROLL_ for (j = 0; j < HFY_BATCH_; j++)
      if (bits >> j & 1) {
        HFY_VV_ a = HFY_V_(set)(w[j]);
        HFY_UNROLL_ for (c = 0; c < strip; c++) acc[j * HFY_STRIP_ + c] = HFY_V_(fma)(a, v[c], acc[j * HFY_STRIP_ + c]);
      }
  }
  HFY_UNROLL_ for (j = 0; j < HFY_BATCH_; j++)
    if ((size_t)j < list->queries)
      HFY_UNROLL_ for (c = 0; c < strip; c++) HFY_V_(put)(masked, z[j] + k + c * lanes, acc[j * HFY_STRIP_ + c], t);
}

HFY_TARGET_ void HFY_V_(strips)(const hfy_simd_listed_ *list) {
  enum { lanes = HFY_LANES_, wide = HFY_STRIP_ * HFY_LANES_, line = 64 / sizeof(HFY_S_) };
  const size_t dim = list->dim;
  size_t k = 0, i, l;
  for (; k + wide <= dim; k += wide) {
    for (i = 0; i < list->ahead; i++)
      for (l = 0; l < wide; l += line) HFY_PREFETCH_L2_(list->next + i * list->x_stride + k + l);
    HFY_V_(strip)(HFY_STRIP_, list, k, 0);
  }
  for (i = 0; i < list->ahead; i++)
    for (l = k; l < dim; l += line) HFY_PREFETCH_L2_(list->next + i * list->x_stride + l);
  for (; k < dim; k += lanes) HFY_V_(strip)(1, list, k, hfy_base_min_(lanes, dim - k));
}

HFY_TARGET_ size_t HFY_V_(nonzero)(const HFY_S_ *w, size_t n) {
  const HFY_VV_ zero = HFY_V_(zero)(), one = HFY_V_(set)(1);
  HFY_VV_ many = zero;
  HFY_S_ sum;
  size_t i;
  for (i = 0; i < n; i += HFY_LANES_)
    many = HFY_V_(add)(many, HFY_V_(select)(HFY_V_(lt)(zero, HFY_V_(abs)(HFY_V_(load_up)(w + i, n - i))), one, zero));
  HFY_V_(fold)(&many, 1, &sum);
  return (size_t)sum;
}

HFY_TARGET_ void HFY_V_(combine)(const HFY_S_ *w, size_t w_stride, size_t nq, const HFY_S_ *x, size_t x_stride,
                                 size_t rows, size_t dim, HFY_S_ *z, size_t z_stride) {
  static const hfy_simd_projector_ by = { /* for size, no kernel of its own for weights without a zero */
    HFY_BATCH_, HFY_V_(wide), HFY_V_(nonzero), HFY_QUERIES_ == 1 ? NULL : HFY_V_(block), HFY_V_(strips), HFY_VN_(sum)};
  const hfy_simd_project_ all = {&by, w, x, z, w_stride, nq, x_stride, rows, dim, z_stride};
  hfy_simd_project_all_(&all);
}

HFY_TARGET_ void HFY_V_(gather)(const size_t *index, const HFY_S_ *w, size_t count, const HFY_S_ *x, size_t x_stride,
                                size_t dim, HFY_S_ *z) {
  const HFY_S_ *row[HFY_SIMD_LIST_ + 4];
  HFY_S_ part[HFY_SIMD_LIST_];
  size_t l = 0, n;
  while (l < count) {
    for (n = 0; l < count && n < HFY_SIMD_LIST_; l++)
      if (w[l] > 0 || w[l] < 0) {
        row[n] = x + index[l] * x_stride;
        part[n++] = w[l];
      }
    HFY_V_(sum)(part, row, n, dim, z);
  }
}

HFY_TARGET_ HFY_S_ HFY_V_(largest)(const HFY_S_ *x, size_t n, HFY_S_ *tops) {
  enum { lanes = HFY_LANES_ };
  const HFY_VV_ least = HFY_V_(set)((HFY_S_)-HUGE_VAL);
  HFY_VV_ most[4] = {least, least, least, least}, v[4];
  HFY_V_(cond) nan = HFY_V_(nan)(least, least);
  HFY_S_ lane[HFY_LANES_];
  size_t i = 0, s;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    HFY_UNROLL_ for (s = 0; s < 4; s++) v[s] = HFY_V_(load)(x + i + s * lanes);
    nan = HFY_V_(either)(nan, HFY_V_(either)(HFY_V_(nan)(v[0], v[1]), HFY_V_(nan)(v[2], v[3])));
    HFY_UNROLL_ for (s = 0; s < 4; s++) most[s] = HFY_V_(max)(most[s], v[s]);
  }
  for (; i < n; i += lanes) {
    v[0] = HFY_V_(up_to)(n - i, HFY_V_(load_up)(x + i, n - i), least);
    nan = HFY_V_(either)(nan, HFY_V_(nan)(v[0], v[0]));
    most[0] = HFY_V_(max)(most[0], v[0]);
  }
  if (HFY_V_(bits)(nan)) return hfy_simd_max_scalar_(x, n, NULL);
  most[0] = HFY_V_(max)(HFY_V_(max)(most[0], most[1]), HFY_V_(max)(most[2], most[3]));
  HFY_V_(store)(lane, most[0]);
  if (tops) HFY_V_(store)(tops, most[0]);
  for (i = 1; i < lanes; i++)
    if (lane[i] > lane[0]) lane[0] = lane[i];
  return lane[0];
}

#ifdef HFY_PACK_
/* The window's step for one vector of doubles that stand at i .. */
HFY_INLINE_ size_t HFY_D_(keep)(HFY_DV_ x, HFY_DV_ max, HFY_DV_ width, size_t i, size_t *index,
                                double *delta, size_t count) {
  HFY_DV_ d = HFY_D_(sub)(max, x);
  unsigned bits = HFY_D_(bits)(HFY_D_(either)(HFY_D_(lt)(d, width), HFY_D_(le)(d, HFY_D_(zero)())));
  if (!bits) return count;
  HFY_D_(store)(delta + count, HFY_D_(pack)(bits, d)); /* count <= i: within what was asked for */
  HFY_D_(index_store)(index + count, HFY_D_(index_pack)(bits, HFY_D_(index_from)(i)));
  return count + HFY_D_(count)(bits);
}
#endif

HFY_TARGET_ size_t HFY_V_(window)(const HFY_S_ *x, size_t n, HFY_S_ max, double width, size_t *index, double *delta) {
  enum { lanes = HFY_LANES_ };
  const double edge = (double)max - width;
  /* d < width implies x > max - width, so x >= that rounded to double and then to hfy_real: rounding is monotonic */
  const HFY_VV_ least = HFY_V_(set)(edge < (double)max ? (HFY_S_)edge : max);
  size_t i = 0, count = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    HFY_VV_ v0 = HFY_V_(load)(x + i), v1 = HFY_V_(load)(x + i + lanes);
    HFY_VV_ v2 = HFY_V_(load)(x + i + 2 * lanes), v3 = HFY_V_(load)(x + i + 3 * lanes);
    HFY_VV_ most = HFY_V_(max)(HFY_V_(max)(v0, v1), HFY_V_(max)(v2, v3));
    if (!HFY_V_(bits)(HFY_V_(le)(least, most))) continue;
#ifdef HFY_PACK_
    for (size_t k = i; k < i + 4 * lanes; k += lanes) {
      const HFY_DV_ m = HFY_D_(set)((double)max), wide = HFY_D_(set)(width);
      const HFY_VV_ v = HFY_V_(load)(x + k);
      if (!HFY_V_(bits)(HFY_V_(le)(least, v))) continue;
      count = HFY_D_(keep)(HFY_V_(low)(v), m, wide, k, index, delta, count);
#ifndef HFY_DOUBLE
      count = HFY_D_(keep)(HFY_F_(high)(v), m, wide, k + lanes / 2, index, delta, count);
#endif
    }
#else
    count = hfy_simd_window_some_(x, i, i + 4 * lanes, max, width, index, delta, count);
#endif
  }
  return hfy_simd_window_some_(x, i, n, max, width, index, delta, count);
}

/* e^(x + low) / 2^n, in about [0.7, 1.42]; |low| is tiny. */
HFY_INLINE_ HFY_DV_ HFY_D_(exp_parts)(HFY_DV_ x, HFY_DV_ low, HFY_DV_ *n) {
  HFY_DV_ r, p;
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
/* (e^r - 1 - r)/r^2 for |r| <= log(2)/2, minimax. */
HFY_INLINE_ HFY_FV_ HFY_F_(exp_series)(HFY_FV_ r) {
  HFY_FV_ p = HFY_F_(set)(1.38145988e-3f);
  p = HFY_F_(fma)(p, r, HFY_F_(set)(8.36871658e-3f));
  p = HFY_F_(fma)(p, r, HFY_F_(set)(4.1668389e-2f));
  p = HFY_F_(fma)(p, r, HFY_F_(set)(0.166665211f));
  return HFY_F_(fma)(p, r, HFY_F_(set)(0.49999994f));
}
HFY_INLINE_ HFY_FV_ HFY_F_(exp_parts)(HFY_FV_ x, HFY_FV_ low, HFY_FV_ *n) {
  HFY_FV_ r, p, h, u, tail;
  *n = HFY_F_(round)(HFY_F_(mul)(x, HFY_F_(set)(1.44269502f)));
  h = HFY_F_(fnma)(*n, HFY_F_(set)(0.693359375f), x);
  u = HFY_F_(fnma)(*n, HFY_F_(set)(-2.12194442e-4f), low);
  r = HFY_F_(add)(h, u);
  tail = HFY_F_(sub)(u, HFY_F_(sub)(r, h)); /* what r lost */
  p = HFY_F_(exp_series)(r);
  return HFY_F_(add)(HFY_F_(add)(r, HFY_F_(fma)(HFY_F_(mul)(r, r), p, tail)), HFY_F_(set)(1.0f));
}
#endif

HFY_INLINE_ HFY_VV_ HFY_V_(exp1)(HFY_VV_ x) {
  enum { is_double = sizeof(HFY_S_) == 8 };
  /* the largest argument of a finite result, the least of a normal one and of one above half the least denormal */
  const HFY_VV_ most = HFY_V_(set)((HFY_S_)(is_double ? 709.782712893384 : 88.72283173));
  const HFY_VV_ normal = HFY_V_(set)((HFY_S_)(is_double ? -708.3964185322641 : -87.33654022));
  const HFY_VV_ least = HFY_V_(set)((HFY_S_)(is_double ? -745.2 : -104.0));
  const HFY_VV_ units = HFY_V_(set)((HFY_S_)(is_double ? 1074 : 149)); /* the least denormal is 2^-units */
  HFY_VV_ n, p, y, d, inside = HFY_V_(min)(HFY_V_(max)(x, least), most);
  p = HFY_V_(exp_parts)(inside, HFY_V_(zero)(), &n);
  y = HFY_V_(scale2)(p, n);
  d = HFY_V_(denormal)(HFY_V_(scale2)(p, HFY_V_(add)(n, units)));
  y = HFY_V_(select)(HFY_V_(lt)(inside, normal), d, y);
  y = HFY_V_(select)(HFY_V_(lt)(most, x), HFY_V_(set)((HFY_S_)HUGE_VAL), y);
  return HFY_V_(select)(HFY_V_(nan)(x, x), HFY_V_(add)(x, x), y);
}

HFY_TARGET_ void HFY_V_(exp)(const HFY_S_ *x, size_t n, HFY_S_ *y) {
  enum { lanes = HFY_LANES_ };
  size_t i = 0;
  for (; i < n; i += lanes) HFY_V_(store_up)(y + i, HFY_V_(exp1)(HFY_V_(load_up)(x + i, n - i)), n - i);
}

/* e^(x - max), with what the subtraction lost (Knuth's two-sum) put back; 0 below 1e-300. */
HFY_INLINE_ HFY_DV_ HFY_D_(softmax1)(HFY_DV_ x, HFY_DV_ max) {
  const HFY_DV_ tiny = HFY_D_(set)(HFY_SIMD_TINY_);
  HFY_DV_ d = HFY_D_(sub)(x, max), part = HFY_D_(sub)(d, x), n, p;
  HFY_DV_ lost = HFY_D_(sub)(HFY_D_(sub)(x, HFY_D_(sub)(d, part)), HFY_D_(add)(max, part));
  p = HFY_D_(exp_parts)(HFY_D_(max)(d, tiny), lost, &n);
  return HFY_D_(select)(HFY_D_(le)(tiny, d), HFY_D_(scale2)(p, n), HFY_D_(zero)());
}
#ifndef HFY_DOUBLE
/* The same in float, 0 below 1e-37 and without the last quarter of an ulp. x is raised to what still counts, so that
   n >= -123; 1.5 2^23 added and taken away rounds to whole numbers, which the sum's last bits hold. */
HFY_INLINE_ HFY_FV_ HFY_F_(softmax1)(HFY_FV_ raw, HFY_FV_ max) {
  const HFY_FV_ least = HFY_F_(add)(max, HFY_F_(set)((float)HFY_SIMD_TINY_)), whole = HFY_F_(set)(12582912.0f);
  HFY_FV_ x = HFY_F_(max)(raw, least), d = HFY_F_(sub)(x, max), part = HFY_F_(sub)(d, x), t, n, r, p;
  HFY_FV_ lost = HFY_F_(sub)(HFY_F_(sub)(x, HFY_F_(sub)(d, part)), HFY_F_(add)(max, part));
  t = HFY_F_(fma)(d, HFY_F_(set)(1.44269502f), whole);
  n = HFY_F_(sub)(t, whole);
  r = HFY_F_(add)(HFY_F_(fnma)(n, HFY_F_(set)(0.693359375f), d), HFY_F_(fnma)(n, HFY_F_(set)(-2.12194442e-4f), lost));
  p = HFY_F_(add)(HFY_F_(fma)(HFY_F_(mul)(r, r), HFY_F_(exp_series)(r), r), HFY_F_(set)(1.0f));
  return HFY_F_(select)(HFY_F_(le)(least, raw), HFY_F_(shift2)(p, t), HFY_F_(zero)());
}
#endif

HFY_INLINE_ double HFY_D_(total)(HFY_DV_ a, HFY_DV_ b) {
  double lane[HFY_BYTES_ / 8], sum = 0;
  size_t l;
  HFY_D_(store)(lane, HFY_D_(add)(a, b));
  for (l = 0; l < HFY_BYTES_ / 8; l++) sum += lane[l];
  return sum;
}

/* The sums of four vectors are added in double; the lanes go to the total after each block. The end counts as filled up
   with zeros: whatever is masked behind it changes no bit. */
HFY_TARGET_ double HFY_V_(softmax)(const HFY_S_ *x, size_t n, HFY_S_ max, HFY_S_ *y) {
  enum { lanes = HFY_LANES_, four = 4 * lanes };
  const HFY_VV_ m = HFY_V_(set)(max);
  HFY_DV_ low = HFY_D_(zero)(), high = low;
  double total = 0;
  size_t i, v;
  for (i = 0; i < n; i += four) {
    HFY_VV_ part[4] = {HFY_V_(zero)(), HFY_V_(zero)(), HFY_V_(zero)(), HFY_V_(zero)()};
    if (n - i >= four)
      HFY_UNROLL_ for (v = 0; v < 4; v++) {
        part[v] = HFY_V_(softmax1)(HFY_V_(load)(x + i + v * lanes), m);
        HFY_V_(store)(y + i + v * lanes, part[v]);
      }
    else
      HFY_TAIL_ for (v = 0; v < 4 && i + v * lanes < n; v++) {
        const size_t at = i + v * lanes, left = n - at;
        part[v] = HFY_V_(up_to)(left, HFY_V_(softmax1)(HFY_V_(load_up)(x + at, left), m), HFY_V_(zero)());
        HFY_V_(store_up)(y + at, part[v], left);
      }
    part[0] = HFY_V_(add)(HFY_V_(add)(part[0], part[1]), HFY_V_(add)(part[2], part[3]));
    low = HFY_D_(add)(low, HFY_V_(low)(part[0]));
    high = HFY_D_(add)(high, HFY_V_(high)(part[0]));
    if ((i + four) % HFY_SIMD_BLOCK_ == 0 || n - i <= four) {
      total += HFY_D_(total)(low, high);
      low = high = HFY_D_(zero)();
    }
  }
  return total;
}

HFY_TARGET_ void HFY_V_(scale)(HFY_S_ *y, size_t n, double a) {
  enum { lanes = HFY_LANES_ };
  const HFY_VV_ by = HFY_V_(set)((HFY_S_)a);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) HFY_V_(store)(y + i, HFY_V_(mul)(by, HFY_V_(load)(y + i)));
  HFY_TAIL_ for (; i < n; i++) y[i] = (HFY_S_)a * y[i];
}

HFY_TARGET_ void HFY_V_(scale_once)(HFY_S_ *y, size_t n, double a) {
  const HFY_DV_ by = HFY_D_(set)(a);
  size_t i;
  for (i = 0; i < n; i += HFY_LANES_) {
    const HFY_VV_ v = HFY_V_(load_up)(y + i, n - i);
    const HFY_DV_ low = HFY_D_(mul)(by, HFY_V_(low)(v)), high = HFY_D_(mul)(by, HFY_V_(high)(v));
    HFY_V_(store_up)(y + i, HFY_V_(join)(low, high), n - i);
  }
}

HFY_INLINE_ HFY_DV_ HFY_D_(mix2)(HFY_DV_ a, HFY_DV_ y, HFY_DV_ b, HFY_DV_ x) {
  HFY_DV_ u = HFY_D_(mul)(a, y), v = HFY_D_(mul)(b, x);
  HFY_PIN_(u); /* two roundings, as in plain C: no fused multiply-add */
  HFY_PIN_(v);
  return HFY_D_(add)(u, v);
}

HFY_TARGET_ void HFY_V_(mix)(HFY_S_ *y, const HFY_S_ *x, size_t n, double a, double b) {
  const HFY_DV_ va = HFY_D_(set)(a), vb = HFY_D_(set)(b);
  size_t i;
  for (i = 0; i < n; i += HFY_LANES_) {
    const HFY_VV_ p = HFY_V_(load_up)(y + i, n - i), q = HFY_V_(load_up)(x + i, n - i);
    const HFY_DV_ low = HFY_D_(mix2)(va, HFY_V_(low)(p), vb, HFY_V_(low)(q));
    const HFY_DV_ high = HFY_D_(mix2)(va, HFY_V_(high)(p), vb, HFY_V_(high)(q));
    HFY_V_(store_up)(y + i, HFY_V_(join)(low, high), n - i);
  }
}

HFY_TARGET_ void HFY_V_(cut)(HFY_S_ *y, size_t n, double least) {
  const HFY_VV_ edge = HFY_V_(set)((HFY_S_)least), zero = HFY_V_(zero)();
  size_t i;
  for (i = 0; i < n; i += HFY_LANES_) {
    const HFY_VV_ v = HFY_V_(load_up)(y + i, n - i);
    HFY_V_(store_up)(y + i, HFY_V_(select)(HFY_V_(lt)(v, edge), zero, v), n - i);
  }
}

/* The larger of a and b; b where a is NaN, on every machine. */
HFY_INLINE_ HFY_DV_ HFY_D_(more)(HFY_DV_ a, HFY_DV_ b) { return HFY_D_(select)(HFY_D_(lt)(b, a), a, b); }

HFY_TARGET_ double HFY_V_(apart)(const HFY_S_ *x, const HFY_S_ *y, size_t n) {
  HFY_DV_ most = HFY_D_(zero)();
  double of[HFY_BYTES_ / 8], all = 0;
  size_t i;
  for (i = 0; i < n; i += HFY_LANES_) {
    const HFY_VV_ p = HFY_V_(load_up)(x + i, n - i), q = HFY_V_(load_up)(y + i, n - i);
    most = HFY_D_(more)(HFY_D_(abs)(HFY_D_(sub)(HFY_V_(low)(p), HFY_V_(low)(q))), most);
    most = HFY_D_(more)(HFY_D_(abs)(HFY_D_(sub)(HFY_V_(high)(p), HFY_V_(high)(q))), most);
  }
  HFY_D_(store)(of, most);
  for (i = 0; i < HFY_BYTES_ / 8; i++) all = of[i] > all ? of[i] : all;
  return all;
}

HFY_INLINE_ void HFY_D_(below1)(HFY_DV_ d, HFY_DV_ edge, HFY_DV_ sums[3]) {
  const HFY_DV_ zero = HFY_D_(zero)(), r = HFY_D_(max)(HFY_D_(sub)(edge, d), zero);
  sums[0] = HFY_D_(add)(sums[0], HFY_D_(select)(HFY_D_(lt)(d, edge), HFY_D_(set)(1.0), zero));
  sums[1] = HFY_D_(add)(sums[1], r);
  sums[2] = HFY_D_(fma)(r, r, sums[2]);
}

HFY_TARGET_ void HFY_D_(below)(const double *d, size_t n, double t, double sums[3]) {
  enum { lanes = HFY_BYTES_ / 8 };
  const HFY_DV_ edge = HFY_D_(set)(t), zero = HFY_D_(zero)();
  HFY_DV_ a[3] = {zero, zero, zero}, b[3] = {zero, zero, zero};
  size_t i = 0;
  int s;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    HFY_D_(below1)(HFY_D_(load)(d + i), edge, a);
    HFY_D_(below1)(HFY_D_(load)(d + i + lanes), edge, b);
  }
  for (; i < n; i += lanes) HFY_D_(below1)(HFY_D_(up_to)(n - i, HFY_D_(load_up)(d + i, n - i), edge), edge, a);
  HFY_UNROLL_ for (s = 0; s < 3; s++) sums[s] = HFY_D_(total)(a[s], b[s]);
}

HFY_TARGET_ size_t HFY_D_(keep_below)(double *d, size_t *index, size_t n, double t) {
  size_t i = 0, count = 0;
#ifdef HFY_PACK_
  enum { lanes = HFY_BYTES_ / 8 };
  const HFY_DV_ edge = HFY_D_(set)(t);
  for (; i + lanes <= n; i += lanes) {
    HFY_DV_ v = HFY_D_(load)(d + i);
    unsigned bits = HFY_D_(bits)(HFY_D_(lt)(v, edge));
    if (bits) {
      HFY_D_(whole) at = HFY_D_(index_load)(index + i);
      HFY_D_(store)(d + count, HFY_D_(pack)(bits, v));
      HFY_D_(index_store)(index + count, HFY_D_(index_pack)(bits, at));
      count += HFY_D_(count)(bits);
    }
  }
#endif
  return hfy_simd_keep_some_(d, index, i, n, t, count);
}

/* log(1 + v) from b = 1 + v rounded, for -1 < v <= 1e300; also 1/b, to a few ulp. */
HFY_INLINE_ HFY_DV_ HFY_D_(log1p)(HFY_DV_ v, HFY_DV_ b, HFY_DV_ *inverse) {
  /* what the addition lost; then b = 2^k (1 + f), log(1 + f) = 2 atanh(s), s = f/(2 + f); one division for all */
  HFY_DV_ part = HFY_D_(sub)(b, v), k, f, g, s, z, p, half, over;
  HFY_DV_ lost = HFY_D_(add)(HFY_D_(sub)(v, HFY_D_(sub)(b, part)), HFY_D_(sub)(HFY_D_(set)(1.0), part));
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

/* One vector of powers p, and of p/b. */
HFY_INLINE_ HFY_DV_ HFY_D_(powers1)(HFY_DV_ d, HFY_DV_ u, HFY_DV_ e, HFY_DV_ *slope) {
  const HFY_DV_ zero = HFY_D_(zero)(), least = HFY_D_(set)(-708.0), most = HFY_D_(set)(709.782712893384);
  HFY_DV_ v = HFY_D_(min)(HFY_D_(fnma)(u, d, zero), HFY_D_(set)(1e300)), b = HFY_D_(add)(HFY_D_(set)(1.0), v);
  HFY_DV_ y, n, p, inverse;
  HFY_D_(cond) live = HFY_D_(lt)(zero, b);
  y = HFY_D_(mul)(e, HFY_D_(log1p)(v, b, &inverse));
  p = HFY_D_(exp_parts)(HFY_D_(min)(HFY_D_(max)(y, least), most), zero, &n);
  p = HFY_D_(scale2)(p, n);
  p = HFY_D_(select)(HFY_D_(lt)(most, y), HFY_D_(set)(HUGE_VAL), p);
  p = HFY_D_(select)(live, HFY_D_(select)(HFY_D_(lt)(y, least), zero, p), zero);
  *slope = HFY_D_(select)(HFY_D_(lt)(zero, p), HFY_D_(mul)(p, inverse), zero);
  return p;
}

HFY_TARGET_ void HFY_D_(powers)(const double *d, size_t n, double u, double e, double *p, double sums[2]) {
  enum { lanes = HFY_BYTES_ / 8 };
  const HFY_DV_ vu = HFY_D_(set)(u), ve = HFY_D_(set)(e), zero = HFY_D_(zero)();
  HFY_DV_ sum = zero, slope = zero;
  size_t i;
  for (i = 0; i < n; i += lanes) {
    const size_t left = n - i;
    HFY_DV_ over, power = HFY_D_(powers1)(HFY_D_(load_up)(d + i, left), vu, ve, &over);
    HFY_D_(store_up)(p + i, power, left);
    sum = HFY_D_(add)(sum, HFY_D_(up_to)(left, power, zero));
    slope = HFY_D_(add)(slope, HFY_D_(up_to)(left, over, zero));
  }
  sums[0] = HFY_D_(total)(sum, zero);
  sums[1] = HFY_D_(total)(slope, zero);
}

HFY_TARGET_ void HFY_D_(clip)(const double *v, const double *lower, const double *upper, double cap, size_t n,
                              double tau, double sums[2]) {
  enum { lanes = HFY_BYTES_ / 8 };
  const HFY_DV_ shift = HFY_D_(set)(tau), zero = HFY_D_(zero)(), one = HFY_D_(set)(1.0), most = HFY_D_(set)(cap);
  HFY_DV_ sum = zero, between = zero;
  size_t i;
  for (i = 0; i < n; i += lanes) {
    const size_t left = n - i;
    HFY_DV_ y = HFY_D_(sub)(HFY_D_(load_up)(v + i, left), shift);
    HFY_DV_ low = lower ? HFY_D_(load_up)(lower + i, left) : zero;
    HFY_DV_ high = upper ? HFY_D_(load_up)(upper + i, left) : most;
    HFY_DV_ is_free = HFY_D_(select)(HFY_D_(lt)(low, y), HFY_D_(select)(HFY_D_(lt)(y, high), one, zero), zero);
    y = HFY_D_(max)(y, low);
    y = HFY_D_(select)(HFY_D_(lt)(y, high), y, high);
    sum = HFY_D_(add)(sum, HFY_D_(up_to)(left, y, zero));
    between = HFY_D_(add)(between, HFY_D_(up_to)(left, is_free, zero));
  }
  sums[0] = HFY_D_(total)(sum, zero);
  sums[1] = HFY_D_(total)(between, zero);
}

HFY_TARGET_ size_t HFY_D_(signs)(const double *h, const double *width, double c, size_t n, uint64_t *bits) {
  const HFY_DV_ by = HFY_D_(set)(c), zero = HFY_D_(zero)(), one = HFY_D_(set)(1.0);
  HFY_DV_ sum = zero;
  size_t i;
  for (i = 0; i < n; i += HFY_BYTES_ / 8) {
    const HFY_DV_ v = HFY_D_(load_up)(h + i, n - i), w = HFY_D_(mul)(by, HFY_D_(load_up)(width + i, n - i));
    if (i % 64 == 0) bits[i / 64] = 0;
    bits[i / 64] |= (uint64_t)HFY_D_(bits)(HFY_D_(lt)(zero, v)) << (i % 64);
    sum = HFY_D_(add)(sum, HFY_D_(select)(HFY_D_(lt)(w, HFY_D_(abs)(v)), one, zero));
  }
  return (size_t)HFY_D_(total)(sum, zero);
}

static const hfy_simd_ HFY_PASTE_(table, real, HFY_ISA_) = {
  (hfy_isa)HFY_SIMD_PASS_, HFY_LANES_, HFY_V_(dot), HFY_V_(euclidean), HFY_V_(manhattan),
  HFY_V_(combine), HFY_VN_(gather), HFY_V_(largest), HFY_VN_(window), HFY_V_(softmax), HFY_VN_(scale),
  HFY_VN_(scale_once), HFY_VN_(mix), HFY_VN_(cut), HFY_VN_(apart), HFY_VN_(exp), HFY_D_(below), HFY_DN_(keep_below),
  HFY_D_(powers), HFY_D_(clip), HFY_DN_(signs)};
#undef HFY_PACK_
#endif
#ifndef HFY_SIMD_OTHER_ /* both precisions are there */
static const hfy_simd_products_ HFY_PASTE_(products, real, HFY_ISA_) = {
  {sizeof(float), HFY_BATCH_, HFY_F_(wide), HFY_F_(block)},
  {sizeof(double), HFY_BATCH_, HFY_D_(wide), HFY_D_(block)},
  HFY_D_(dots), HFY_DN_(sum), HFY_DN_(chase)};
#endif
#endif /* HFY_SIMD_PASS_ */

#if defined(HFY_BODIES_) && !defined(HFY_SIMD_PASS_)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push /* g++ warns of its own AVX-512 header */
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
/* Each set is read twice: the products of the other precision (OTHER), then, from its end, everything of hfy_real. */
#define HFY_SIMD_OTHER_
#if HFY_SIMD_HAS_(HFY_ISAS_SCALAR)
#define HFY_SIMD_PASS_ 1 /* HFY_ISA_SCALAR */
#include HFY_FILE
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_SSE2)
#define HFY_SIMD_PASS_ 2 /* HFY_ISA_SSE2 */
#include HFY_FILE
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_AVX2 | HFY_ISAS_AVX512)
#define HFY_SIMD_PASS_ 3 /* HFY_ISA_AVX2 */
#include HFY_FILE
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_AVX512)
#define HFY_SIMD_PASS_ 4 /* HFY_ISA_AVX512 */
#include HFY_FILE
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_NEON)
#define HFY_SIMD_PASS_ 5 /* HFY_ISA_NEON */
#include HFY_FILE
#endif
#undef HFY_SIMD_OTHER_

/* --- choice --- */

/* The instruction sets of this machine, its operating system too, as in HFY_ISAS, and two extensions of AVX-512. */
enum { HFY_SIMD_HAS_VNNI_ = 0x100, HFY_SIMD_HAS_VPOPCNTDQ_ = 0x200 };
#ifndef HFY_SIMD_X86_
HFY_PRIVATE_ unsigned hfy_simd_there_(void) { return HFY_ISAS_SCALAR | HFY_ISAS_NEON; }
#elif defined(__GNUC__) && !defined(__OPTIMIZE_SIZE__) /* from the compiler's table, where 4 KB do not count */
HFY_PRIVATE_ unsigned hfy_simd_there_(void) {
  unsigned sets = HFY_ISAS_SCALAR;
  __builtin_cpu_init();
  if (__builtin_cpu_supports("sse2")) sets |= HFY_ISAS_SSE2;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("popcnt"))
    sets |= HFY_ISAS_AVX2;
  if ((sets & HFY_ISAS_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    sets |= HFY_ISAS_AVX512;
  if (__builtin_cpu_supports("avx512vnni")) sets |= HFY_SIMD_HAS_VNNI_;
  if (__builtin_cpu_supports("avx512vpopcntdq")) sets |= HFY_SIMD_HAS_VPOPCNTDQ_;
  return sets;
}
#else
HFY_COLD_ unsigned hfy_simd_there_(void) {
  unsigned one[4] = {0}, seven[4] = {0}, saved = 0, sets = HFY_ISAS_SCALAR; /* eax .. edx of these leaves of cpuid */
#ifdef _MSC_VER
  __cpuid((int *)one, 0);
  if (one[0] >= 7) __cpuidex((int *)seven, 7, 0);
  __cpuid((int *)one, 1);
  if (one[2] >> 27 & 1) saved = (unsigned)_xgetbv(0);
#else
  (void)__get_cpuid(1, one, one + 1, one + 2, one + 3);
  (void)__get_cpuid_count(7, 0, seven, seven + 1, seven + 2, seven + 3);
  if (one[2] >> 27 & 1) __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(saved) : "c"(0) : "edx"); /* xgetbv */
#endif
  if (one[3] >> 26 & 1) sets |= HFY_ISAS_SSE2;
  /* avx2, fma, popcnt; registers that the operating system saves */
  if ((seven[1] >> 5 & 1) && (one[2] >> 12 & 1) && (one[2] >> 23 & 1) && (saved & 6) == 6) sets |= HFY_ISAS_AVX2;
  /* avx512f, dq, bw, vl */
  if ((sets & HFY_ISAS_AVX2) && (seven[1] & 0xC0030000u) == 0xC0030000u && (saved & 0xE6) == 0xE6) {
    sets |= HFY_ISAS_AVX512;
    if (seven[2] >> 11 & 1) sets |= HFY_SIMD_HAS_VNNI_;
    if (seven[2] >> 14 & 1) sets |= HFY_SIMD_HAS_VPOPCNTDQ_;
  }
  return sets;
}
#endif

/* The kernels of an instruction set, or NULL if this machine or build has it not. */
HFY_PRIVATE_ const hfy_simd_ *hfy_simd_of_(hfy_isa isa) {
  static const hfy_simd_ *const tables[] = { /* the best first */
#if HFY_SIMD_HAS_(HFY_ISAS_NEON)
    &hfy_simd_table_real_neon_,
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_AVX512)
    &hfy_simd_table_real_avx512_,
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_AVX2 | HFY_ISAS_AVX512)
    &hfy_simd_table_real_avx2_,
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_SSE2)
    &hfy_simd_table_real_sse2_,
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_SCALAR)
    &hfy_simd_table_real_scalar_,
#endif
};
  const unsigned there = hfy_simd_there_();
  size_t i;
  for (i = 0; i < sizeof tables / sizeof tables[0]; i++)
    if ((isa == HFY_ISA_BEST || isa == tables[i]->isa) && there >> tables[i]->isa & 1) return tables[i];
  return NULL;
}

/* The kernels for a call; NULL after setting the message. */
HFY_PRIVATE_ const hfy_simd_ *hfy_simd_choose_(hfy_work *work) {
  const hfy_simd_ *simd = hfy_simd_of_(work->isa);
  if (!simd)
    hfy_base_fail_(work, HFY_ERR_UNSUPPORTED,
                   "work->isa is %s, which this machine or build has not; 0 picks the best", hfy_simd_text(work->isa));
  return simd;
}

HFY_API hfy_isa hfy_simd_isa(const hfy_work *work) {
  const hfy_simd_ *simd = hfy_simd_of_(work ? work->isa : HFY_ISA_BEST);
  return simd ? simd->isa : work->isa;
}

HFY_API const char *hfy_simd_text(hfy_isa isa) {
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
   ------------------------------------------------------------------------------------------------------------------ */
enum { HFY_SIMD_SEGMENT_ = 32768 }; /* elements before a whole-number dot moves to double: 255 * 128 * 32768 < 2^31 */
enum { HFY_SIMD_GROUP_ = 8 };       /* queries of a panel */
enum { HFY_SIMD_PAD_ = 64 };        /* bytes read behind a row at most: there behind the last one, 0 in a query */
enum { HFY_SIMD_TILE_ = 32 };       /* the most rows of a tile */

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
                                            const hfy_simd_wide_ *q, double *out) {
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
                                             void *tile) {
  int16_t *out = (int16_t *)tile;
  size_t i, d;
  for (i = 0; i < 16; i++) {
    const signed char *row = rows + (i < count ? i : count - 1) * stride;
    for (d = 0; d < dim; d++) out[(d / 2 * 16 + i) * 2 + d % 2] = row[d];
    if (dim % 2) out[(dim / 2 * 16 + i) * 2 + 1] = 0;
  }
}

HFY_PRIVATE_ void hfy_simd_int8_tile_scalar_(const void *tile, const int32_t *panel, size_t words, int32_t *out) {
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
                                                 const float *spread, size_t count, const hfy_simd_bound_ *b) {
  uint32_t mask = 0;
  size_t i;
  for (i = 0; i < count; i++) {
    double up = (double)(dots[i] - b->offset) * (double)scale[i] * b->scale +
                ((double)error[i] * b->near + ((double)spread[i] * b->rest + b->shift));
    mask |= (uint32_t)!(up < b->least) << i;
  }
  return mask;
}

static const hfy_simd_int8_ hfy_simd_int8_scalar_ = {
  "portable", 0, 0, 2, 16, hfy_simd_int8_dot_scalar_, hfy_simd_int8_pack_scalar_, hfy_simd_int8_tile_scalar_,
  hfy_simd_int8_pass_scalar_};

#if HFY_SIMD_HAS_(HFY_ISAS_AVX2 | HFY_ISAS_AVX512) && defined(__GNUC__) && defined(__x86_64__)
#define HFY_SIMD_INT8_X86_
#define HFY_SIMD_AVX2_ __attribute__((target("avx2,fma")))
#define HFY_SIMD_VNNI_ __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")))
enum { HFY_SIMD_AHEAD_ = 8 }; /* memory is sent for this many rows ahead */

/* The next four rows of a call and their places in it: from its four quarters, or (a list, a number that does not
   divide) rows i .. i+3, the last one again where there are fewer. Rows to come are sent for. */
HFY_PRIVATE_ size_t hfy_simd_int8_four_(const signed char *rows, size_t stride, const size_t *list, size_t i,
                                        size_t count, size_t dim, const signed char *row[4], size_t at[4]) {
  const size_t part = list || count % 4 ? 0 : count / 4; /* four streams keep the memory busier than one */
  size_t l, d, n = hfy_base_min_(count - i, 4), most = hfy_base_min_(dim, 4096);
  for (l = 0; l < 4; l++) {
    uintptr_t next;
    at[l] = part ? i / 4 + l * part : i + (l < n ? l : n - 1);
    row[l] = rows + (list ? list[at[l]] : at[l]) * stride;
    next = (uintptr_t)row[l] + (part ? 2 * stride : HFY_SIMD_AHEAD_ * 768);
    if (list)
      next = (uintptr_t)(rows + list[at[l] + HFY_SIMD_AHEAD_ < count ? at[l] + HFY_SIMD_AHEAD_ : at[l]] * stride);
    for (d = 0; d < most; d += 64) __builtin_prefetch((const void *)(next + d));
  }
  return n;
}

/* --- AVX2 --- */

HFY_PRIVATE_ HFY_SIMD_AVX2_ __m256i hfy_simd_int8_load_avx2_(const void *p) {
  return _mm256_loadu_si256((const __m256i *)p);
}

/* 16 bytes as int16. */
HFY_PRIVATE_ HFY_SIMD_AVX2_ __m256i hfy_simd_int8_widen_avx2_(const void *p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
}

/* The four sums of four vectors. */
HFY_PRIVATE_ HFY_SIMD_AVX2_ __m128i hfy_simd_int8_sums_avx2_(__m256i a, __m256i b, __m256i c, __m256i d) {
  __m256i v = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
  return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

HFY_PRIVATE_ HFY_SIMD_AVX2_ void hfy_simd_int8_dot_avx2_(const signed char *rows, size_t stride, const size_t *list,
                                                         size_t count, const hfy_simd_wide_ *q, double *out) {
  const signed char *row[4];
  double four[4];
  size_t i, n, at, end, place[4];
  int l;
  for (i = 0; i < count; i += n) {
    __m256d total = _mm256_setzero_pd();
    n = hfy_simd_int8_four_(rows, stride, list, i, count, q->dim, row, place);
    for (at = 0; at < q->dim;) {
      __m256i sum[4];
      HFY_UNROLL_ for (l = 0; l < 4; l++) sum[l] = _mm256_setzero_si256();
      for (end = at + hfy_base_min_(q->dim - at, HFY_SIMD_SEGMENT_); at < end; at += 16) {
        const __m256i v = hfy_simd_int8_load_avx2_(q->whole + at);
        HFY_UNROLL_ for (l = 0; l < 4; l++)
          sum[l] = _mm256_add_epi32(sum[l], _mm256_madd_epi16(v, hfy_simd_int8_widen_avx2_(row[l] + at)));
      }
      total = _mm256_add_pd(total, _mm256_cvtepi32_pd(hfy_simd_int8_sums_avx2_(sum[0], sum[1], sum[2], sum[3])));
    }
    _mm256_storeu_pd(four, total);
    for (l = 0; l < (int)n; l++) out[place[l]] = four[l];
  }
}

HFY_PRIVATE_ HFY_SIMD_AVX2_ void hfy_simd_int8_pack_avx2_(const signed char *rows, size_t stride, size_t count,
                                                          size_t dim, void *tile) {
  unsigned char *out = (unsigned char *)tile;
  size_t half, d;
  int l;
  for (half = 0; half < 2; half++, out += 32) {
    const signed char *row[8];
    for (l = 0; l < 8; l++) row[l] = rows + hfy_base_min_(8 * half + (size_t)l, count - 1) * stride;
    for (d = 0; d < dim; d += 16) { /* 8 rows x 8 pairs of int16, transposed */
      __m256i r[8], t[8];
      HFY_UNROLL_ for (l = 0; l < 8; l++) r[l] = hfy_simd_int8_widen_avx2_(row[l] + d);
      HFY_UNROLL_ for (l = 0; l < 8; l += 2) {
        t[l] = _mm256_unpacklo_epi32(r[l], r[l + 1]);
        t[l + 1] = _mm256_unpackhi_epi32(r[l], r[l + 1]);
      }
      HFY_UNROLL_ for (l = 0; l < 8; l++) /* pair l of rows 0 .. 3, or 4 .. 7, and pair l + 4 */
        r[l] = l & 1 ? _mm256_unpackhi_epi64(t[l / 4 * 4 + l / 2 % 2], t[l / 4 * 4 + l / 2 % 2 + 2])
                     : _mm256_unpacklo_epi64(t[l / 4 * 4 + l / 2 % 2], t[l / 4 * 4 + l / 2 % 2 + 2]);
      HFY_UNROLL_ for (l = 0; l < 8; l++)
        _mm256_storeu_si256((__m256i *)(void *)(out + (d / 2 + (size_t)l) * 64),
                            l < 4 ? _mm256_permute2x128_si256(r[l % 4], r[l % 4 + 4], 0x20)
                                  : _mm256_permute2x128_si256(r[l % 4], r[l % 4 + 4], 0x31));
    }
  }
}

HFY_PRIVATE_ HFY_SIMD_AVX2_ void hfy_simd_int8_tile_avx2_(const void *tile, const int32_t *panel, size_t words,
                                                          int32_t *out) {
  const unsigned char *x = (const unsigned char *)tile;
  size_t j, w;
  int l;
  for (j = 0; j < HFY_SIMD_GROUP_; j += 4, out += 64) {
    __m256i sum[8];
    HFY_UNROLL_ for (l = 0; l < 8; l++) sum[l] = _mm256_setzero_si256();
    for (w = 0; w < words; w++) {
      const __m256i u = hfy_simd_int8_load_avx2_(x + w * 64), v = hfy_simd_int8_load_avx2_(x + w * 64 + 32);
      HFY_UNROLL_ for (l = 0; l < 4; l++) {
        const __m256i q = _mm256_set1_epi32(panel[w * HFY_SIMD_GROUP_ + j + (size_t)l]);
        sum[2 * l] = _mm256_add_epi32(sum[2 * l], _mm256_madd_epi16(u, q));
        sum[2 * l + 1] = _mm256_add_epi32(sum[2 * l + 1], _mm256_madd_epi16(v, q));
      }
    }
    HFY_UNROLL_ for (l = 0; l < 8; l++) _mm256_storeu_si256((__m256i *)(void *)(out + 8 * l), sum[l]);
  }
}

HFY_PRIVATE_ HFY_SIMD_AVX2_ uint32_t hfy_simd_int8_pass_avx2_(const int32_t *dots, const float *scale,
                                                              const float *error, const float *spread, size_t count,
                                                              const hfy_simd_bound_ *b) {
  uint32_t mask = 0;
  size_t i;
  for (i = 0; i < count; i += 4) {
    __m128i dot = _mm_sub_epi32(_mm_loadu_si128((const __m128i *)(const void *)(dots + i)), _mm_set1_epi32(b->offset));
    __m256d up = _mm256_mul_pd(_mm256_cvtepi32_pd(dot), _mm256_cvtps_pd(_mm_loadu_ps(scale + i)));
    __m256d more = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm_loadu_ps(spread + i)), _mm256_set1_pd(b->rest),
                                   _mm256_set1_pd(b->shift));
    more = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm_loadu_ps(error + i)), _mm256_set1_pd(b->near), more);
    up = _mm256_fmadd_pd(up, _mm256_set1_pd(b->scale), more);
    mask |= (uint32_t)_mm256_movemask_pd(_mm256_cmp_pd(up, _mm256_set1_pd(b->least), _CMP_NLT_UQ)) << i;
  }
  return count < 32 ? mask & (((uint32_t)1 << count) - 1) : mask;
}

static const hfy_simd_int8_ hfy_simd_int8_avx2_ = {
  "avx2", 0, 0, 2, 16, hfy_simd_int8_dot_avx2_, hfy_simd_int8_pack_avx2_, hfy_simd_int8_tile_avx2_,
  hfy_simd_int8_pass_avx2_};

#if HFY_SIMD_HAS_(HFY_ISAS_AVX512)
/* --- AVX-512 with VNNI --- */

HFY_PRIVATE_ HFY_SIMD_VNNI_ __m256i hfy_simd_int8_halve_vnni_(__m512i v) {
  return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

/* The sums of four vectors. */
HFY_PRIVATE_ HFY_SIMD_VNNI_ __m256d hfy_simd_int8_sums_vnni_(const __m512i *v) {
  return _mm256_cvtepi32_pd(hfy_simd_int8_sums_avx2_(hfy_simd_int8_halve_vnni_(v[0]), hfy_simd_int8_halve_vnni_(v[1]),
                                                     hfy_simd_int8_halve_vnni_(v[2]), hfy_simd_int8_halve_vnni_(v[3])));
}

HFY_PRIVATE_ HFY_SIMD_VNNI_ void hfy_simd_int8_dot_vnni_(const signed char *rows, size_t stride, const size_t *list,
                                                         size_t count, const hfy_simd_wide_ *q, double *out) {
  const signed char *row[4];
  double four[4];
  size_t i, n, at, end, place[4];
  int l;
  for (i = 0; i < count; i += n) {
    __m256d total = _mm256_setzero_pd();
    n = hfy_simd_int8_four_(rows, stride, list, i, count, q->dim, row, place);
    for (at = 0; at < q->dim;) {
      __m512i a[4], b[4];
      HFY_UNROLL_ for (l = 0; l < 4; l++) a[l] = b[l] = _mm512_setzero_si512();
      for (end = at + hfy_base_min_(q->dim - at, HFY_SIMD_SEGMENT_); at < end; at += 64) {
        const __m512i high = _mm512_loadu_si512(q->high + at), low = _mm512_loadu_si512(q->low + at);
        HFY_UNROLL_ for (l = 0; l < 4; l++) {
          const __m512i x = _mm512_loadu_si512(row[l] + at);
          a[l] = _mm512_dpbusd_epi32(a[l], high, x);
          b[l] = _mm512_dpbusd_epi32(b[l], low, x);
        }
      }
      total = _mm256_fmadd_pd(hfy_simd_int8_sums_vnni_(a), _mm256_set1_pd(256), total);
      total = _mm256_add_pd(hfy_simd_int8_sums_vnni_(b), total);
    }
    _mm256_storeu_pd(four, total);
    for (l = 0; l < (int)n; l++) out[place[l]] = four[l];
  }
}

HFY_PRIVATE_ HFY_SIMD_VNNI_ void hfy_simd_int8_pack_vnni_(const signed char *rows, size_t stride, size_t count,
                                                          size_t dim, void *tile) {
  unsigned char *out = (unsigned char *)tile;
  const __m512i sign = _mm512_set1_epi8(-128);
  size_t half, d;
  int l;
  for (half = 0; half < 2; half++, out += 64) {
    const signed char *row[16];
    for (l = 0; l < 16; l++) row[l] = rows + hfy_base_min_(16 * half + (size_t)l, count - 1) * stride;
    for (d = 0; d < dim; d += 64) { /* 16 rows x 16 words, transposed */
      __m512i r[16], t[16];
      HFY_UNROLL_ for (l = 0; l < 16; l++) r[l] = _mm512_loadu_si512(row[l] + d);
      HFY_UNROLL_ for (l = 0; l < 16; l += 2) {
        t[l] = _mm512_unpacklo_epi32(r[l], r[l + 1]);
        t[l + 1] = _mm512_unpackhi_epi32(r[l], r[l + 1]);
      }
      HFY_UNROLL_ for (l = 0; l < 16; l += 4) { /* word w of rows l .. l+3 in lane w / 4 of r[l + w % 4] */
        r[l] = _mm512_unpacklo_epi64(t[l], t[l + 2]);
        r[l + 1] = _mm512_unpackhi_epi64(t[l], t[l + 2]);
        r[l + 2] = _mm512_unpacklo_epi64(t[l + 1], t[l + 3]);
        r[l + 3] = _mm512_unpackhi_epi64(t[l + 1], t[l + 3]);
      }
      HFY_UNROLL_ for (l = 0; l < 4; l++) {
        unsigned char *to = out + (d / 4 + (size_t)l) * 128;
        t[0] = _mm512_shuffle_i32x4(r[l], r[l + 4], 0x88);
        t[1] = _mm512_shuffle_i32x4(r[l], r[l + 4], 0xdd);
        t[2] = _mm512_shuffle_i32x4(r[l + 8], r[l + 12], 0x88);
        t[3] = _mm512_shuffle_i32x4(r[l + 8], r[l + 12], 0xdd);
        _mm512_storeu_si512(to, _mm512_xor_si512(sign, _mm512_shuffle_i32x4(t[0], t[2], 0x88)));
        _mm512_storeu_si512(to + 4 * 128, _mm512_xor_si512(sign, _mm512_shuffle_i32x4(t[1], t[3], 0x88)));
        _mm512_storeu_si512(to + 8 * 128, _mm512_xor_si512(sign, _mm512_shuffle_i32x4(t[0], t[2], 0xdd)));
        _mm512_storeu_si512(to + 12 * 128, _mm512_xor_si512(sign, _mm512_shuffle_i32x4(t[1], t[3], 0xdd)));
      }
    }
  }
}

HFY_PRIVATE_ HFY_SIMD_VNNI_ void hfy_simd_int8_tile_vnni_(const void *tile, const int32_t *panel, size_t words,
                                                          int32_t *out) {
  const unsigned char *x = (const unsigned char *)tile;
  __m512i sum[2 * HFY_SIMD_GROUP_];
  int l;
  HFY_UNROLL_ for (l = 0; l < 2 * HFY_SIMD_GROUP_; l++) sum[l] = _mm512_setzero_si512();
  for (; words; words--, x += 128, panel += HFY_SIMD_GROUP_) {
    const __m512i u = _mm512_loadu_si512(x), v = _mm512_loadu_si512(x + 64);
    HFY_UNROLL_ for (l = 0; l < HFY_SIMD_GROUP_; l++) {
      const __m512i q = _mm512_set1_epi32(panel[l]);
      sum[2 * l] = _mm512_dpbusd_epi32(sum[2 * l], u, q);
      sum[2 * l + 1] = _mm512_dpbusd_epi32(sum[2 * l + 1], v, q);
    }
  }
  HFY_UNROLL_ for (l = 0; l < 2 * HFY_SIMD_GROUP_; l++) _mm512_storeu_si512(out + 16 * l, sum[l]);
}

HFY_PRIVATE_ HFY_SIMD_VNNI_ uint32_t hfy_simd_int8_pass_vnni_(const int32_t *dots, const float *scale,
                                                              const float *error, const float *spread, size_t count,
                                                              const hfy_simd_bound_ *b) {
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

static const hfy_simd_int8_ hfy_simd_int8_vnni_ = {
  "avx512vnni", 1, 128, 4, 32, hfy_simd_int8_dot_vnni_, hfy_simd_int8_pack_vnni_, hfy_simd_int8_tile_vnni_,
  hfy_simd_int8_pass_vnni_};
#endif
#undef HFY_SIMD_AVX2_
#undef HFY_SIMD_VNNI_
#endif

/* The integer kernels that go with an instruction set that this machine has. */
HFY_PRIVATE_ const hfy_simd_int8_ *hfy_simd_int8_of_(hfy_isa isa) {
#ifdef HFY_SIMD_INT8_X86_
#if HFY_SIMD_HAS_(HFY_ISAS_AVX512)
  if (isa == HFY_ISA_AVX512 && (hfy_simd_there_() & HFY_SIMD_HAS_VNNI_)) return &hfy_simd_int8_vnni_;
#endif
  if (isa == HFY_ISA_AVX512 || isa == HFY_ISA_AVX2) return &hfy_simd_int8_avx2_;
#endif
  (void)isa;
  return &hfy_simd_int8_scalar_;
}

/* --- packed bits: AVX-512 counts those of eight words at a time --- */

enum { HFY_SIMD_FEW_ = 4 }; /* states whose distances are counted at once */

#if HFY_SIMD_HAS_(HFY_ISAS_AVX512) && defined(__GNUC__) && defined(__x86_64__)
#define HFY_SIMD_POPCOUNT_
#define HFY_SIMD_WIDE_ __attribute__((target("avx512f,avx512vl,avx512vpopcntdq")))
HFY_PRIVATE_ int hfy_simd_is_wide_(hfy_isa isa) {
  return isa == HFY_ISA_AVX512 && (hfy_simd_there_() & HFY_SIMD_HAS_VPOPCNTDQ_);
}

/* planes: word l of all patterns, `row` of them (a multiple of 8), from planes + l row. d: FEW x row distances of FEW
   states (x: words apart); least: the least of each. */
HFY_PRIVATE_ HFY_SIMD_WIDE_ void hfy_simd_distances_wide_(const uint64_t *x, size_t words, const uint64_t *planes,
                                                          size_t row, uint32_t *d, uint32_t least[HFY_SIMD_FEW_]) {
  __m256i best[HFY_SIMD_FEW_];
  size_t i, l;
  int a;
  for (a = 0; a < HFY_SIMD_FEW_; a++) best[a] = _mm256_set1_epi32(-1);
  for (i = 0; i < row; i += 8) {
    __m512i sum[HFY_SIMD_FEW_];
    for (a = 0; a < HFY_SIMD_FEW_; a++) sum[a] = _mm512_setzero_si512();
    for (l = 0; l < words; l++) {
      const __m512i w = _mm512_loadu_si512(planes + l * row + i);
      for (a = 0; a < HFY_SIMD_FEW_; a++) {
        const __m512i differ = _mm512_xor_si512(w, _mm512_set1_epi64((int64_t)x[(size_t)a * words + l]));
        sum[a] = _mm512_add_epi64(sum[a], _mm512_popcnt_epi64(differ));
      }
    }
    for (a = 0; a < HFY_SIMD_FEW_; a++) {
      const __m256i narrow = _mm512_cvtepi64_epi32(sum[a]);
      best[a] = _mm256_min_epu32(best[a], narrow);
      _mm256_storeu_si256((__m256i *)(void *)(d + (size_t)a * row + i), narrow);
    }
  }
  for (a = 0; a < HFY_SIMD_FEW_; a++) {
    uint32_t of[8];
    _mm256_storeu_si256((__m256i *)(void *)of, best[a]);
    for (l = 1; l < 8; l++) of[0] = of[l] < of[0] ? of[l] : of[0];
    least[a] = of[0];
  }
}

/* The i whose d[i] <= most, ascending, as long as there are at most `room`; how many, or room + 1. */
HFY_PRIVATE_ HFY_SIMD_WIDE_ size_t hfy_simd_near_wide_(const uint32_t *d, size_t row, uint32_t most, size_t *nearby,
                                                       size_t room) {
  const __m512i edge = _mm512_set1_epi32((int)most);
  size_t i, count = 0;
  for (i = 0; i < row; i += 16) {
    const __mmask16 there = (__mmask16)(row - i < 16 ? 0xFF : 0xFFFF);
    unsigned found = _mm512_mask_cmple_epu32_mask(there, _mm512_maskz_loadu_epi32(there, d + i), edge);
    for (; found; found &= found - 1) {
      if (count == room) return room + 1;
      nearby[count++] = i + (size_t)__builtin_ctz(found);
    }
  }
  return count;
}
#undef HFY_SIMD_WIDE_
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* ------------------------------------------------------------------------------------------------------------------
   >>linalg.impl   dense linear algebra: Cholesky
   Shapes: matrices are row-major and dense, vectors n.   May call: base.
   Numerics: everything in double. A pivot counts as positive only if it is above 16 n eps of its diagonal entry: below
   is rounding (of a singular matrix, nearly always), and the verdict does not depend on how rows are scaled.
   ------------------------------------------------------------------------------------------------------------------ */

/* <x, y> in four sums. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_linalg_dot_(const double *x, const double *y, size_t n) {
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

/* A = L L^T in place, rows `stride` apart; `diagonal` (NULL: A's): what a pivot is measured against. */
HFY_PRIVATE_ hfy_status hfy_linalg_cholesky_rows_(double *a, size_t stride, size_t n, const double *diagonal,
                                                  double rounding) {
  size_t i, j;
  for (i = 0; i < n; i++) {
    double *row = a + i * stride, own = diagonal ? diagonal[i] : row[i], pivot;
    for (j = 0; j < i; j++) row[j] = (row[j] - hfy_linalg_dot_(row, a + j * stride, j)) / a[j * stride + j];
    pivot = row[i] - hfy_linalg_dot_(row, row, i);
    if (!hfy_base_is_finite_(pivot) || !(pivot > rounding * own)) return HFY_ERR_SINGULAR;
    row[i] = sqrt(pivot);
  }
  return HFY_OK;
}

/* The same for an n x n matrix: L replaces its lower triangle, what is above the diagonal is neither read nor changed.
   HFY_ERR_SINGULAR if A is not positive definite (or holds NaN or infinity); a is half overwritten then. Row by row
   (Cholesky-Banachiewicz): inner products run along two rows. Cost n^3/3. */
HFY_PRIVATE_ hfy_status hfy_linalg_cholesky_(double *a, size_t n) {
  return hfy_linalg_cholesky_rows_(a, n, n, NULL, 16 * (double)n * DBL_EPSILON);
}

/* Row i of a factor, rows `stride` apart, or packed: stride 0. */
HFY_PRIVATE_ double *hfy_linalg_factor_row_(double *l, size_t stride, size_t i) {
  return l + (stride ? i * stride : i * (i + 1) / 2);
}

/* x <- L^-1 x: |x|^2 is then x.A^-1 x. */
HFY_PRIVATE_ void hfy_linalg_cholesky_forward_(double *l, size_t stride, size_t n, double *x) {
  size_t i;
  for (i = 0; i < n; i++) {
    const double *row = hfy_linalg_factor_row_(l, stride, i);
    x[i] = (x[i] - hfy_linalg_dot_(row, x, i)) / row[i];
  }
}

/* x <- L^-T x, by columns of L^T = rows of L. */
HFY_PRIVATE_ void hfy_linalg_cholesky_backward_(double *l, size_t stride, size_t n, double *x) {
  size_t i, j;
  for (i = n; i-- > 0;) {
    const double *row = hfy_linalg_factor_row_(l, stride, i);
    double v = x[i] /= row[i];
    for (j = 0; j < i; j++) x[j] -= v * row[j];
  }
}

/* x <- A^-1 x with the factor that hfy_linalg_cholesky_ left. */
HFY_PRIVATE_ void hfy_linalg_cholesky_solve_(double *l, size_t n, double *x) {
  hfy_linalg_cholesky_forward_(l, n, n, x);
  hfy_linalg_cholesky_backward_(l, n, n, x);
}

/* Takes row and column j out of A = L L^T: row j of L goes, rotations of neighbouring columns make the rest lower. */
HFY_PRIVATE_ void hfy_linalg_factor_leave_(double *l, size_t stride, size_t count, size_t j) {
  size_t c, i;
  for (c = j; c + 1 < count; c++) { /* row c+1 has an entry too many, at column c+1 */
    double *row = hfy_linalg_factor_row_(l, stride, c + 1), size = sqrt(row[c] * row[c] + row[c + 1] * row[c + 1]);
    const double cosine = row[c] / size, sine = row[c + 1] / size;
    row[c] = size;
    for (i = c + 2; i < count; i++) {
      double *below = hfy_linalg_factor_row_(l, stride, i), a = below[c], b = below[c + 1];
      below[c] = cosine * a + sine * b;
      below[c + 1] = cosine * b - sine * a;
    }
  }
  for (c = j; c + 1 < count; c++)
    memmove(hfy_linalg_factor_row_(l, stride, c), hfy_linalg_factor_row_(l, stride, c + 1), (c + 1) * sizeof *l);
}

#ifdef HFY_HAS_LINALG_
/* ------------------------------------------------------------------------------------------------------------------
   >>linalg.gemm   C = alpha A B + beta C, float and double in every build; y = alpha A x + beta y in double
   May call: base, simd.
   Shapes: A m x k and B k x n, views with any two strides (one of them 1 in a product with a vector); C m x n by rows.
   How: the tiles of a retrieval's projection. Blocks of B are packed into panels as wide as a tile of registers, which
   stay in L1 while rows of A pass; a small product reads B where it is. A is packed if it is large or lies in columns.
   Numerics: every element begins with beta c and adds its k products one by one in ascending order, fused where the
   machine can: its bits depend neither on m, n and the strides nor on how rows and columns are split among threads. A
   product with a vector is the canonical dot, or the sum of columns in ascending order. beta = 0 overwrites C unread.
   A BLAS instead: define HFY_CBLAS (includes <cblas.h>; strides that no BLAS takes and sizes beyond int stay here), or
   HFY_SGEMM and/or HFY_DGEMM as a macro or function
       (m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row, c_col)
   that makes C = alpha A B + beta C, element (i, j) of A at a[i*a_row + j*a_col] and so on: sizes and strides size_t,
   alpha (1 or -1), beta (1 or 0: C is not read) and arrays float or double. Either is called only with m, n, k >= 1;
   n = 1 for a vector. It may be called from several threads at once.
   ------------------------------------------------------------------------------------------------------------------ */
/* A matrix: element (i, j) at[i*row + j*col]; doubles, but for hfy_linalg_multiply_float_. */
typedef struct hfy_linalg_view_ {
  const void *at;
  size_t row, col;
} hfy_linalg_view_;

/* Rows `stride` apart; the transpose of a view; that of such rows. */
HFY_PRIVATE_ hfy_linalg_view_ hfy_linalg_rows_(const void *at, size_t stride) {
  const hfy_linalg_view_ view = {at, stride, 1};
  return view;
}
HFY_PRIVATE_ hfy_linalg_view_ hfy_linalg_flip_(hfy_linalg_view_ view) {
  const hfy_linalg_view_ turned = {view.at, view.col, view.row};
  return turned;
}
HFY_PRIVATE_ hfy_linalg_view_ hfy_linalg_turned_(const void *at, size_t stride) {
  return hfy_linalg_flip_(hfy_linalg_rows_(at, stride));
}

/* Where a product goes, rows `stride` apart: C = AB (set), C += AB (add), C -= AB (less). */
typedef struct hfy_linalg_into_ {
  void *at;
  size_t stride;
  int over, minus; /* C is not read; sign is -1 */
} hfy_linalg_into_;

HFY_PRIVATE_ hfy_linalg_into_ hfy_linalg_set_(void *at, size_t stride) {
  const hfy_linalg_into_ into = {at, stride, 1, 0};
  return into;
}
HFY_PRIVATE_ hfy_linalg_into_ hfy_linalg_add_(void *at, size_t stride) {
  const hfy_linalg_into_ into = {at, stride, 0, 0};
  return into;
}
HFY_PRIVATE_ hfy_linalg_into_ hfy_linalg_less_(void *at, size_t stride) {
  const hfy_linalg_into_ into = {at, stride, 0, 1};
  return into;
}

enum { HFY_LINALG_DEPTH_ = 1024 }; /* bytes of a block of k */
enum { HFY_LINALG_WIDTH_ = 4608 }; /* of a block of rows of B: with the depth, in L2; a multiple of each tile's width */
enum { HFY_LINALG_TALL_ = 48 };    /* rows of A that meet a panel of B in L1: a multiple of every tile's rows */

/* Elements of scratch that a product of this shape needs at most, of elements of `size` bytes. */
HFY_COLD_ size_t hfy_linalg_gemm_scratch_(size_t m, size_t n, size_t k, size_t size) {
  size_t wide = hfy_base_min_(m > n ? m : n, HFY_LINALG_WIDTH_ / size);
  return hfy_base_min_(k, HFY_LINALG_DEPTH_ / size) * (wide + HFY_LINALG_TALL_);
}

/* The kernels of products that go with those of a retrieval. */
HFY_PRIVATE_ const hfy_simd_products_ *hfy_linalg_products_(const hfy_simd_ *simd) {
#if HFY_SIMD_HAS_(HFY_ISAS_NEON)
  if (simd->isa == HFY_ISA_NEON) return &hfy_simd_products_real_neon_;
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_AVX512)
  if (simd->isa == HFY_ISA_AVX512) return &hfy_simd_products_real_avx512_;
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_AVX2 | HFY_ISAS_AVX512)
  if (simd->isa == HFY_ISA_AVX2) return &hfy_simd_products_real_avx2_;
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_SSE2)
  if (simd->isa == HFY_ISA_SSE2) return &hfy_simd_products_real_sse2_;
#endif
#if HFY_SIMD_HAS_(HFY_ISAS_SCALAR)
  if (simd->isa == HFY_ISA_SCALAR) return &hfy_simd_products_real_scalar_;
#endif
  return NULL;
}

/* One element of 4 or 8 bytes. */
HFY_PRIVATE_ void hfy_linalg_put_(size_t size, char *to, const char *from) {
  if (size == sizeof(float))
    memcpy(to, from, sizeof(float));
  else
    memcpy(to, from, sizeof(double));
}

/* to[p*width + j] = from[j*across + p] for j, p < 4. */
HFY_PRIVATE_ void hfy_linalg_turn4_(size_t size, const char *from, size_t across, char *to, size_t width) {
  size_t j, p;
#if HFY_SIMD_FLOOR_ >= HFY_ISAS_SSE2 && defined(HFY_SIMD_X86_)
  if (size == sizeof(float)) {
    const float *x = (const float *)(const void *)from;
    float *y = (float *)(void *)to;
    __m128 a = _mm_loadu_ps(x), b = _mm_loadu_ps(x + across);
    __m128 c = _mm_loadu_ps(x + 2 * across), d = _mm_loadu_ps(x + 3 * across);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(y, a);
    _mm_storeu_ps(y + width, b);
    _mm_storeu_ps(y + 2 * width, c);
    _mm_storeu_ps(y + 3 * width, d);
    return;
  }
  for (j = 0; j < 4; j += 2)
    for (p = 0; p < 4; p += 2) {
      const double *x = (const double *)(const void *)from + j * across + p;
      double *y = (double *)(void *)to + p * width + j;
      const __m128d a = _mm_loadu_pd(x), b = _mm_loadu_pd(x + across);
      _mm_storeu_pd(y, _mm_unpacklo_pd(a, b));
      _mm_storeu_pd(y + width, _mm_unpackhi_pd(a, b));
    }
#else
  for (j = 0; j < 4; j++)
    for (p = 0; p < 4; p++) hfy_linalg_put_(size, to + (p * width + j) * size, from + (j * across + p) * size);
#endif
}

/* to[p*width + j] = from[j*across + p*along], j < have, p < k. Plain loops: it is memory that this waits for. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_linalg_pack_(size_t size, void *target, size_t width, const void *source,
                                                      size_t across, size_t along, size_t have, size_t k) {
  const size_t bytes = have * size, row = width * size;
  const char *from = (const char *)source;
  char *to = (char *)target;
  size_t j = 0, p, l;
  if (across == 1) {
    for (p = 0; p < k; p++, to += row, from += along * size) {
      for (l = 0; l + 16 <= bytes; l += 16) memcpy(to + l, from + l, 16);
      for (; l < bytes; l += 4) memcpy(to + l, from + l, 4);
    }
    return;
  }
  if (along == 1)
    for (; j + 4 <= have; j += 4) {
      for (p = 0; p + 4 <= k; p += 4) {
        if (!(p * size & 63)) /* the next panel's, on its way */
          for (l = 0; l < 4; l++) HFY_PREFETCH_((uintptr_t)from + (p + (j + l + width) * across) * size);
        hfy_linalg_turn4_(size, from + (j * across + p) * size, across, to + (p * width + j) * size, width);
      }
      for (; p < k; p++)
        for (l = j; l < j + 4; l++) hfy_linalg_put_(size, to + p * row + l * size, from + (l * across + p) * size);
    }
  for (; j < have; j++)
    for (p = 0; p < k; p++) hfy_linalg_put_(size, to + p * row + j * size, from + (j * across + p * along) * size);
}

/* Elements of either precision. */
HFY_PRIVATE_ void hfy_linalg_tiles_(const hfy_simd_product_ *how, size_t m, size_t n, size_t k, hfy_linalg_view_ a,
                                    hfy_linalg_view_ b, hfy_linalg_into_ c, void *scratch) {
  const size_t size = how->size, shares = (k + HFY_LINALG_DEPTH_ / size - 1) / (HFY_LINALG_DEPTH_ / size);
  const size_t depth = shares > 1 ? (k + shares - 1) / shares : k, width = HFY_LINALG_WIDTH_ / size;
  char *const panel = (char *)scratch, *const out = (char *)c.at;
  size_t i, j, p, l, nc, kc, mc;
  for (i = 0; !k && c.over && i < m; i++) memset(out + i * c.stride * size, 0, n * size);
  for (j = 0; j < n; j += nc) {
    nc = hfy_base_min_(width, n - j);
    for (p = 0; p < k; p += kc) {
      const char *from = (const char *)b.at + (p * b.row + j * b.col) * size;
      size_t whole = nc;
      int packed;
      kc = hfy_base_min_(depth, k - p);
      packed = b.col != 1 || m > 128 || kc * nc * size > 131072; /* small: it would cost more than it saves */
      if (packed) whole = nc / how->columns * how->columns;
      for (l = 0; packed && l < nc; l += how->columns) {
        const size_t have = hfy_base_min_(how->columns, nc - l);
        hfy_linalg_pack_(size, panel + l * kc * size, have, from + l * b.col * size, b.col, b.row, have, kc);
      }
      for (i = 0; i < m; i += mc) {
        const char *at = (const char *)a.at + (i * a.row + p * a.col) * size;
        hfy_simd_block_ block = {at, packed ? panel : from, out + (i * c.stride + j) * size, 0, whole, kc,
                                 a.row, a.col, a.row * how->rows, packed ? how->columns : b.row,
                                 packed ? kc * how->columns : how->columns, c.stride, c.over && !p, c.minus, NULL, 0};
        block.rows = mc = hfy_base_min_(HFY_LINALG_TALL_, m - i);
        if (a.col != 1 || kc * nc > 40000) { /* large: rows of A a page each */
          char *rows_at = panel + nc * kc * size;
          for (l = 0; l < mc; l += how->rows)
            hfy_linalg_pack_(size, rows_at + l * kc * size, how->rows, at + l * a.row * size, a.row, a.col,
                             hfy_base_min_(how->rows, mc - l), kc);
          block.a = rows_at;
          block.a_row = 1;
          block.a_col = how->rows;
          block.a_tile = how->rows * kc;
        }
        how->block(&block);
        if (whole == nc) continue;
        block.b = panel + whole * kc * size; /* the last panel is as wide as what is left */
        block.b_row = block.columns = nc - whole;
        block.c = (char *)block.c + whole * size;
        how->block(&block);
      }
    }
  }
}

#ifdef HFY_CBLAS
/* Can a BLAS take rows x columns of a view? *lead: its leading dimension, *across: columns are together. */
HFY_COLD_ int hfy_linalg_blas_takes_(size_t rows, size_t columns, hfy_linalg_view_ v, int *lead, int *across) {
  const int turned = v.col != 1 && v.row == 1;
  const size_t lines = turned ? columns : rows, least = turned ? rows : columns;
  const size_t stride = lines <= 1 ? least : turned ? v.col : v.row; /* of one line it means nothing */
  *across = turned;
  *lead = stride > INT_MAX ? 0 : stride ? (int)stride : 1;
  return (turned || v.col == 1) && stride >= least && rows <= INT_MAX && columns <= INT_MAX && *lead;
}

/* Call a BLAS if it takes the three. */
#define HFY_LINALG_BLAS_(real, gemm)                                                                                   \
  int la, lb, lc, ta, tb, tc;                                                                                          \
  if (m && n && k && hfy_linalg_blas_takes_(m, k, a, &la, &ta) && hfy_linalg_blas_takes_(k, n, b, &lb, &tb) &&         \
    hfy_linalg_blas_takes_(m, n, hfy_linalg_rows_(c.at, c.stride), &lc, &tc)) {                                        \
    gemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k,        \
           c.minus ? -1 : 1, (const real *)a.at, la, (const real *)b.at, lb, c.over ? 0 : 1, (real *)c.at, lc);        \
    return;                                                                                                            \
  }
#endif
/* Call the user's function. */
#define HFY_LINALG_USER_(real, gemm)                                                                                   \
  if (m && n && k) {                                                                                                   \
    gemm(m, n, k, (real)(c.minus ? -1 : 1), (const real *)a.at, a.row, a.col, (const real *)b.at, b.row, b.col,        \
           (real)!c.over, (real *)c.at, c.stride, (size_t)1);                                                          \
    return;                                                                                                            \
  }

/* A B into C, of floats; scratch: hfy_linalg_gemm_scratch_(m, n, k, sizeof(float)) elements. No overlaps. */
HFY_PRIVATE_ void hfy_linalg_multiply_float_(const hfy_simd_ *simd, size_t m, size_t n, size_t k, hfy_linalg_view_ a,
                                             hfy_linalg_view_ b, hfy_linalg_into_ c, float *scratch) {
#if defined(HFY_SGEMM)
  HFY_LINALG_USER_(float, HFY_SGEMM)
#elif defined(HFY_CBLAS)
  HFY_LINALG_BLAS_(float, cblas_sgemm)
#endif
  hfy_linalg_tiles_(&hfy_linalg_products_(simd)->f32, m, n, k, a, b, c, scratch);
}

/* The same for doubles. */
HFY_PRIVATE_ void hfy_linalg_multiply_(const hfy_simd_ *simd, size_t m, size_t n, size_t k, hfy_linalg_view_ a,
                                       hfy_linalg_view_ b, hfy_linalg_into_ c, double *scratch) {
#if defined(HFY_DGEMM)
  HFY_LINALG_USER_(double, HFY_DGEMM)
#elif defined(HFY_CBLAS)
  HFY_LINALG_BLAS_(double, cblas_dgemm)
#endif
  hfy_linalg_tiles_(&hfy_linalg_products_(simd)->f64, m, n, k, a, b, c, scratch);
}
#undef HFY_LINALG_BLAS_
#undef HFY_LINALG_USER_

/* X X^T of the count x dim matrix x: all inner products of its rows. */
HFY_PRIVATE_ void hfy_linalg_gram_(const hfy_simd_ *simd, size_t count, size_t dim, hfy_linalg_view_ x, double *gram,
                                   double *scratch) {
  hfy_linalg_multiply_(simd, count, count, dim, x, hfy_linalg_flip_(x), hfy_linalg_set_(gram, count), scratch);
}

/* A x into the vector y (stride 1), A m x k. */
HFY_PRIVATE_ void hfy_linalg_apply_(const hfy_simd_ *simd, size_t m, size_t k, hfy_linalg_view_ a, const double *x,
                                    hfy_linalg_into_ into) {
  enum { many = 64 };
  const hfy_simd_products_ *how = hfy_linalg_products_(simd);
  const double *from = (const double *)a.at, sign = into.minus ? -1 : 1;
  double *y = (double *)into.at;
  size_t i, j, n;
#if defined(HFY_DGEMM)
  if (m && k) {
    hfy_linalg_multiply_(simd, m, 1, k, a, hfy_linalg_rows_(x, 1), into, NULL);
    return;
  }
#elif defined(HFY_CBLAS)
  int la, ta;
  if (m && k && hfy_linalg_blas_takes_(m, k, a, &la, &ta)) {
    cblas_dgemv(ta ? CblasColMajor : CblasRowMajor, CblasNoTrans, (int)m, (int)k, sign, from, la, x, 1, !into.over,
                y, 1);
    return;
  }
#endif
  if (a.col == 1) { /* canonical dots */
    double sum[many];
    for (i = 0; i < m; i += n) {
      n = hfy_base_min_(many, m - i);
      how->dot(from + i * a.row, a.row, n, x, k, sum);
      for (j = 0; j < n; j++) y[i + j] = into.over ? sign * sum[j] : sign * sum[j] + y[i + j];
    }
    return;
  }
  if (m && into.over) memset(y, 0, m * sizeof *y);
  for (j = 0; j < k; j += n) { /* a sum of columns */
    const double *row[many + 4];
    double w[many];
    n = hfy_base_min_(many, k - j);
    for (i = 0; i < n; i++) {
      row[i] = from + (j + i) * a.col;
      w[i] = sign * x[j + i];
    }
    how->sum(w, row, n, m, y);
  }
}
/* ------------------------------------------------------------------------------------------------------------------
   >>linalg.eigen   eigenvalues and eigenvectors of a real matrix without symmetry; thin Householder QR
   May call: base, simd, linalg.gemm.
   How: eigenvalues alone in a row or column are taken out, the rest is balanced, reduced to Hessenberg form in panels
   (mostly matrix products) and goes through the double-shift QR algorithm. Its sweeps are cut into chunks: reflections
   run one by one inside a small diagonal window, a chunk at once right of it and above it. Vectors: inverse iteration.
   ------------------------------------------------------------------------------------------------------------------ */
enum { HFY_LINALG_PANEL_ = 32 };   /* columns of a panel of the reduction */
enum { HFY_LINALG_CHUNK_ = 24 };   /* reflections of a chunk */
enum { HFY_LINALG_QR_MOST_ = 60 }; /* iterations for one eigenvalue */

/* y += a x */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_linalg_axpy_(double a, const double *HFY_RESTRICT_ x, double *HFY_RESTRICT_ y,
                                                      size_t n) {
  size_t i;
  for (i = 0; i + 4 <= n; i += 4) {
    y[i] += a * x[i];
    y[i + 1] += a * x[i + 1];
    y[i + 2] += a * x[i + 2];
    y[i + 3] += a * x[i + 3];
  }
  for (; i < n; i++) y[i] += a * x[i];
}

/* The reflection I - tau v v^T, v[0] = 1, that takes x to (beta, 0, ...): x becomes v, beta is returned. */
HFY_COLD_ double hfy_linalg_reflection_(double *x, size_t n, double *tau) {
  double big = 0, sum = 0, alpha = n ? x[0] : 0, beta;
  size_t i;
  *tau = 0;
  for (i = 1; i < n; i++) big = fabs(x[i]) > big ? fabs(x[i]) : big;
  if (n) x[0] = 1;
  if (!(big > 0)) return alpha;
  if (fabs(alpha) > big) big = fabs(alpha);
  for (i = 1; i < n; i++) sum += (x[i] / big) * (x[i] / big);
  sum += (alpha / big) * (alpha / big);
  beta = alpha > 0 ? -big * sqrt(sum) : big * sqrt(sum); /* alpha - beta cancels nothing: opposite signs */
  *tau = (beta - alpha) / beta;
  for (i = 1; i < n; i++) x[i] /= alpha - beta;
  return beta;
}

/* x <- (I - tau v v^T) x */
HFY_COLD_ void hfy_linalg_mirror_(double tau, const double *v, double *x, size_t n) {
  hfy_linalg_axpy_(-tau * hfy_linalg_dot_(v, x, n), v, x, n);
}

/* I - V T V^T for reflections one after another: column j of T (m x m, upper triangular) from tau of reflector j and
   its dots with those before (Schreiber, Van Loan). */
HFY_COLD_ void hfy_linalg_compact_(double *t, size_t m, size_t j, double tau, const double *dot) {
  size_t i, l;
  for (i = 0; i < m; i++) {
    double sum = 0;
    for (l = i; l < j; l++) sum += t[i * m + l] * dot[l];
    t[i * m + j] = i < j ? -tau * sum : i == j ? tau : 0;
  }
}

/* Scratch of the eigenvalue functions for n x n. */
typedef struct hfy_linalg_general_ {
  double *h;             /* n x n */
  double *v, *y, *t, *w; /* reduction: reflectors and A V T by rows of n, T, products */
  double *all, *tau;     /* all reflectors by rows of n and their tau; NULL: not kept */
  double *scale;         /* n: what balancing multiplied columns by */
  double *block, *gemm, *coefficient;
  size_t *index, *counts;
} hfy_linalg_general_;

HFY_COLD_ void hfy_linalg_general_plan_(hfy_base_arena_ *arena, size_t n, int vectors, hfy_linalg_general_ *e) {
  const size_t panel = HFY_LINALG_PANEL_, square = hfy_base_times_(n, n);
  e->h = HFY_TAKE_(arena, double, square);
  e->v = HFY_TAKE_(arena, double, hfy_base_times_(n, panel));
  e->y = HFY_TAKE_(arena, double, hfy_base_times_(n, panel));
  e->w = HFY_TAKE_(arena, double, hfy_base_times_(n, panel));
  e->t = HFY_TAKE_(arena, double, panel * panel + panel);
  e->all = HFY_TAKE_(arena, double, vectors ? square : 0);
  e->tau = HFY_TAKE_(arena, double, n);
  e->scale = HFY_TAKE_(arena, double, n);
  e->block = HFY_TAKE_(arena, double, 32 * (HFY_LINALG_CHUNK_ + 2));
  e->coefficient = HFY_TAKE_(arena, double, 3 * HFY_LINALG_CHUNK_);
  e->gemm = HFY_TAKE_(arena, double, hfy_linalg_gemm_scratch_(n, n, n, sizeof(double)));
  e->index = HFY_TAKE_(arena, size_t, n);
  e->counts = HFY_TAKE_(arena, size_t, hfy_base_times_(n, 2));
}

/* Osborne's balancing in powers of two: rows and columns of like norm, but for those zero off the diagonal. */
HFY_COLD_ void hfy_linalg_balance_(double *a, size_t n, double *scale) {
  size_t i, j, pass;
  int moved = 1;
  for (i = 0; i < n; i++) scale[i] = 1;
  for (pass = 0; moved && pass < 60; pass++) {
    moved = 0;
    for (i = 0; i < n; i++) {
      double c = 0, r = 0, f = 1, sum;
      for (j = 0; j < n; j++) c += j != i ? fabs(a[j * n + i]) : 0;
      for (j = 0; j < n; j++) r += j != i ? fabs(a[i * n + j]) : 0;
      if (!(c > 0) || !(r > 0)) continue;
      sum = c + r;
      for (; c < r / 2 && f < 1e150; f *= 2) c *= 4;
      for (; c >= r * 2 && f > 1e-150; f /= 2) c /= 4;
      if (!((c + r) / f < 0.95 * sum) || !(scale[i] * f > 1e-150 && scale[i] * f < 1e150)) continue;
      moved = 1;
      scale[i] *= f;
      for (j = 0; j < n; j++) a[i * n + j] /= f;
      for (j = 0; j < n; j++) a[j * n + i] *= f;
    }
  }
}

/* e->h <- Q^T h Q, upper Hessenberg, in panels (Quintana-Orti, van de Geijn): only a panel's own columns are kept up to
   date, A V T is gathered, and products update the rest. Row c of e->all, if it is there, gets from column c+1 on the
   reflector that makes column c zero below row c+1. */
HFY_COLD_ void hfy_linalg_hessenberg_(const hfy_simd_ *simd, size_t n, const hfy_linalg_general_ *e) {
  size_t k, j, i, p, q;
  double *a = e->h, *v = e->v, *y = e->y, *w = e->w, *t = e->t, *gemm = e->gemm;
  double *dot = t + HFY_LINALG_PANEL_ * HFY_LINALG_PANEL_;
  for (k = 0; k + 2 < n; k += HFY_LINALG_PANEL_) {
    const size_t m = hfy_base_min_(HFY_LINALG_PANEL_, n - 2 - k), top = k + 1, tail = n - top;
    const hfy_linalg_view_ vs = hfy_linalg_rows_(v + top, n), ys = hfy_linalg_turned_(y, n); /* V^T, Y, T^T */
    const hfy_linalg_view_ ts = hfy_linalg_turned_(t, m);
    memset(v, 0, m * n * sizeof *v);
    for (j = 0; j < m; j++) {
      const size_t c = k + j, below = c + 1;
      double *b = v + j * n, tau; /* column c, which becomes the reflector */
      for (i = top; i < n; i++) b[i] = a[i * n + c];
      for (p = 0; p < j; p++) hfy_linalg_axpy_(-v[p * n + c], y + p * n + top, b + top, tail);
      for (p = 0; p < j; p++) dot[p] = hfy_linalg_dot_(v + p * n + top, b + top, tail);
      for (p = 0; p < j; p++) { /* T^T, lower */
        double sum = 0;
        for (q = 0; q <= p; q++) sum += t[q * m + p] * dot[q];
        hfy_linalg_axpy_(-sum, v + p * n + top, b + top, tail);
      }
      for (i = top; i < n; i++) a[i * n + c] = i <= c ? b[i] : 0;
      memset(b + top, 0, j * sizeof *b);
      a[below * n + c] = hfy_linalg_reflection_(b + below, n - below, &tau);
      if (e->all) {
        memcpy(e->all + c * n, b, n * sizeof *b);
        e->tau[c] = tau;
      }
      hfy_linalg_apply_(simd, tail, n - below, hfy_linalg_rows_(a + top * n + below, n), b + below,
                        hfy_linalg_set_(y + j * n + top, 1));
      for (p = 0; p < j; p++) dot[p] = hfy_linalg_dot_(v + p * n + below, b + below, n - below);
      for (p = 0; p < j; p++) hfy_linalg_axpy_(-dot[p], y + p * n + top, y + j * n + top, tail);
      for (i = top; i < n; i++) y[j * n + i] *= tau;
      hfy_linalg_compact_(t, m, j, tau, dot);
    }
    /* rows above: Y = A V T there too */
    hfy_linalg_multiply_(simd, top, m, tail, hfy_linalg_rows_(a + top, n), hfy_linalg_flip_(vs),
                         hfy_linalg_set_(w, m), gemm);
    hfy_linalg_multiply_(simd, m, top, m, ts, hfy_linalg_turned_(w, m), hfy_linalg_set_(y, n), gemm);
    hfy_linalg_multiply_(simd, top, m - 1, m, ys, vs, hfy_linalg_less_(a + top, n), gemm);
    /* the rest: A - Y V^T from the right, I - V T^T V^T from the left */
    p = k + m;
    hfy_linalg_multiply_(simd, n, n - p, m, ys, hfy_linalg_rows_(v + p, n), hfy_linalg_less_(a + p, n), gemm);
    hfy_linalg_multiply_(simd, m, n - p, tail, vs, hfy_linalg_rows_(a + top * n + p, n), hfy_linalg_set_(y, n), gemm);
    hfy_linalg_multiply_(simd, m, n - p, m, ts, hfy_linalg_rows_(y, n), hfy_linalg_set_(w, n - p), gemm);
    hfy_linalg_multiply_(simd, tail, n - p, m, hfy_linalg_flip_(vs), hfy_linalg_rows_(w, n - p),
                         hfy_linalg_less_(a + top * n + p, n), gemm);
  }
}

/* Eigenvalues of the real 2 x 2 matrix (a b; c d), a conjugate pair exactly conjugate. */
HFY_COLD_ void hfy_linalg_pair_(double a, double b, double c, double d, double *re, double *im) {
  const double half = 0.5 * (a - d), bc = b * c, under = half * half + bc;
  re[0] = re[1] = d + half;
  im[0] = im[1] = 0;
  if (under >= 0) {
    const double z = half + (half < 0 ? -sqrt(under) : sqrt(under));
    re[0] = d + z;
    re[1] = z > 0 || z < 0 ? d - bc / z : d;
  } else {
    im[0] = sqrt(-under);
    im[1] = -im[0];
  }
}

/* What chase does, on columns k, k+1, k+2 of `rows` rows: transposed into `block` (count + 2 rows of 32), and back. */
HFY_COLD_ void hfy_linalg_chase_columns_(const hfy_simd_products_ *how, double *x, size_t stride, size_t rows,
                                         const double *coefficient, size_t count, double *block) {
  size_t i, have;
  for (i = 0; i < rows; i += 32, x += 32 * stride) {
    have = hfy_base_min_(32, rows - i);
    hfy_linalg_pack_(sizeof *x, block, 32, x, stride, 1, have, count + 2);
    how->chase(block, 32, have, coefficient, count);
    hfy_linalg_pack_(sizeof *x, x, stride, block, 32, 1, count + 2, have);
  }
}

/* The active block of the QR algorithm: rows low .. high of h (n x n); a double shift, bulge from row `start`. */
typedef struct hfy_linalg_sweep_ {
  double *h;
  size_t n, low, high, start;
  double x, y, w;  /* the shifts: last two diagonal entries, product of the entries beside them */
  double p, q, r;  /* the column that the next reflection takes to (*, 0, 0) */
} hfy_linalg_sweep_;

/* Where the block that ends at row `high` begins: below a negligible subdiagonal element, which becomes 0. */
HFY_PRIVATE_ size_t hfy_linalg_split_(double *h, size_t n, size_t high, double norm) {
  for (; high; high--) {
    double *row = h + high * n + high - 1; /* the subdiagonal element, the diagonal one */
    const double s = fabs(h[(high - 1) * (n + 1)]) + fabs(row[1]);
    if (!(fabs(row[0]) <= DBL_EPSILON * (s > 0 ? s : norm))) continue;
    row[0] = 0;
    break;
  }
  return high;
}

/* The column p, q, r over the sum of its sizes, which is returned. */
HFY_PRIVATE_ double hfy_linalg_sweep_scale_(hfy_linalg_sweep_ *g) {
  const double size = fabs(g->p) + fabs(g->q) + fabs(g->r);
  if (!(size > 0)) return size;
  g->p /= size;
  g->q /= size;
  g->r /= size;
  return size;
}

/* The sweep may start where two consecutive subdiagonal elements are small: its first column there. */
HFY_PRIVATE_ void hfy_linalg_sweep_begin_(hfy_linalg_sweep_ *g) {
  const size_t n = g->n;
  double *h = g->h;
  size_t m, i;
  for (m = g->high - 2;; m--) {
    double z = h[m * n + m], a = g->x - z, b = g->y - z, u, v;
    g->p = (a * b - g->w) / h[(m + 1) * n + m] + h[m * n + m + 1];
    g->q = h[(m + 1) * n + m + 1] - z - a - b;
    g->r = h[(m + 2) * n + m + 1];
    (void)hfy_linalg_sweep_scale_(g);
    if (m == g->low) break;
    u = fabs(h[m * n + m - 1]) * (fabs(g->q) + fabs(g->r));
    v = fabs(g->p) * (fabs(h[(m - 1) * n + m - 1]) + fabs(z) + fabs(h[(m + 1) * n + m + 1]));
    if (u <= DBL_EPSILON * v) break;
  }
  g->start = m;
  for (i = m + 2; i <= g->high; i++) {
    h[i * n + i - 2] = 0;
    if (i > m + 2) h[i * n + i - 3] = 0;
  }
}

/* Reflection k of the sweep: u = q, r, tau; the column that it clears is written. Is there something to reflect? */
HFY_PRIVATE_ int hfy_linalg_reflector_(hfy_linalg_sweep_ *g, size_t k, double *u) {
  const size_t n = g->n;
  const int last = k + 1 == g->high;
  double *h = g->h + k * n + k, scale = 0, s; /* h[-1], h[n - 1], h[2n - 1]: the column to clear */
  u[0] = u[1] = u[2] = 0;
  if (k > g->start) {
    g->p = h[-1];
    g->q = h[n - 1];
    g->r = last ? 0 : h[2 * n - 1];
    scale = hfy_linalg_sweep_scale_(g);
  }
  s = sqrt(g->p * g->p + g->q * g->q + g->r * g->r);
  if (g->p < 0) s = -s;
  if (!(s > 0 || s < 0)) return 0;
  if (k > g->start) {
    h[-1] = -s * scale;
    h[n - 1] = 0;
    if (!last) h[2 * n - 1] = 0;
  } else if (k > g->low) {
    h[-1] = -h[-1];
  }
  u[0] = g->q / (g->p + s);
  u[1] = g->r / (g->p + s);
  u[2] = (g->p + s) / s;
  return 1;
}

/* `count` times three elements (of the last reflection two: r = 0) `apart`, the next ones `step` on, under u. */
HFY_PRIVATE_ void hfy_linalg_reflect3_(const double *u, int last, double *x, size_t apart, size_t step, size_t count) {
  const double q = u[0], r = u[1], tau = u[2];
  const size_t third = last ? apart : 2 * apart;
  for (; count; count--, x += step) {
    const double sum = tau * (x[0] + q * x[apart] + r * x[third]);
    x[0] -= sum;
    x[apart] -= sum * q;
    x[third] -= sum * r;
  }
}

/* Reflections k0 .. stop-1, at once only inside the window of rows and columns k0 .. edge. */
HFY_PRIVATE_ void hfy_linalg_window_(hfy_linalg_sweep_ *g, size_t k0, size_t stop, size_t edge, double *coefficient) {
  const size_t n = g->n;
  size_t k;
  for (k = k0; k < stop; k++) {
    double *u = coefficient + 3 * (k - k0);
    const int last = k + 1 == g->high;
    if (!hfy_linalg_reflector_(g, k, u)) continue;
    hfy_linalg_reflect3_(u, last, g->h + k * n + k, n, 1, edge + 1 - k);
    hfy_linalg_reflect3_(u, last, g->h + k0 * n + k, 1, n, hfy_base_min_(last ? edge : k + 3, g->high) + 1 - k0);
  }
}

/* One double-shift sweep, in chunks: what lies right of a window and above it gets its reflections together. */
HFY_COLD_ void hfy_linalg_sweep_run_(hfy_linalg_sweep_ *g, const hfy_simd_products_ *how,
                                     const hfy_linalg_general_ *e) {
  const size_t n = g->n, high = g->high;
  size_t k0;
  hfy_linalg_sweep_begin_(g);
  for (k0 = g->start; k0 < high; k0 += HFY_LINALG_CHUNK_) {
    const size_t stop = hfy_base_min_(k0 + HFY_LINALG_CHUNK_, high), edge = hfy_base_min_(stop + 2, high);
    const size_t done = stop - k0, whole = stop == high ? done - 1 : done; /* the very last has two columns */
    hfy_linalg_window_(g, k0, stop, edge, e->coefficient);
    if (high > edge) how->chase(g->h + k0 * n + edge + 1, n, high - edge, e->coefficient, done);
    if (k0 == g->low) continue;
    hfy_linalg_chase_columns_(how, g->h + g->low * n + k0, n, k0 - g->low, e->coefficient, whole, e->block);
    if (whole < done)
      hfy_linalg_reflect3_(e->coefficient + 3 * whole, 1, g->h + g->low * n + high - 1, 1, n, k0 - g->low);
  }
}

/* Eigenvalues of the upper Hessenberg e->h, which is overwritten (Francis' double shift, as in EISPACK's hqr). */
HFY_COLD_ hfy_status hfy_linalg_qr_sweeps_(const hfy_simd_ *simd, size_t n, double *re, double *im,
                                           const hfy_linalg_general_ *e) {
  const hfy_simd_products_ *how = hfy_linalg_products_(simd);
  hfy_linalg_sweep_ g = {e->h, n, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  double *h = e->h, norm = 0, shift = 0;
  size_t i, j, left = n;
  int tries = 0;
  for (i = 0; i < n; i++)
    for (j = i ? i - 1 : 0; j < n; j++) norm += fabs(h[i * n + j]);
  while (left) {
    const size_t hi = g.high = left - 1;
    const double *row = h + hi * n + hi, *above = hi ? row - n : row; /* at the last column */
    g.low = hfy_linalg_split_(h, n, hi, norm);
    if (g.low + 1 >= hi) { /* one eigenvalue, or two */
      re[hi] = row[0];
      im[hi] = 0;
      if (g.low < hi) hfy_linalg_pair_(above[-1], above[0], row[-1], row[0], re + hi - 1, im + hi - 1);
      for (i = g.low; i <= hi; i++) re[i] += shift;
      left = g.low;
      tries = 0;
      continue;
    }
    g.x = row[0];
    g.y = above[-1];
    g.w = row[-1] * above[0];
    if (tries == HFY_LINALG_QR_MOST_) return HFY_ERR_CONVERGENCE;
    if (tries && tries % 10 == 0) { /* exceptional shift */
      const double s = fabs(row[-1]) + fabs(above[-2]);
      shift += g.x;
      for (i = 0; i <= hi; i++) h[i * n + i] -= g.x;
      g.x = g.y = 0.75 * s;
      g.w = -0.4375 * s * s;
    }
    tries++;
    hfy_linalg_sweep_run_(&g, how, e);
  }
  return HFY_OK;
}

/* Largest real part first, then the smaller |imaginary part|, then + before -. QR finds them nearly so: insertion. */
HFY_COLD_ void hfy_linalg_order_(double *re, double *im, size_t n) {
  size_t i, j;
  for (i = 1; i < n; i++) {
    const double a = re[i], b = im[i];
    for (j = i; j; j--) {
      const double x = re[j - 1], y = im[j - 1];
      if (x > a || (!(x < a) && (fabs(y) < fabs(b) || (!(fabs(y) > fabs(b)) && y >= b)))) break;
      re[j] = x;
      im[j] = y;
    }
    re[j] = a;
    im[j] = b;
  }
}

/* The largest |x|; NaN or infinity if there is one. */
HFY_PRIVATE_ double hfy_linalg_largest_(const double *x, size_t n) {
  double most = 0;
  size_t i;
  for (i = 0; i < n; i++) {
    double v = fabs(x[i]);
    if (!hfy_base_is_finite_(v)) return v;
    if (v > most) most = v;
  }
  return most;
}

/* A power of two that brings the largest of a into [1/2, 1); 0 if one is not finite, 1 if all are 0. */
HFY_COLD_ double hfy_linalg_unit_(const double *a, size_t n) {
  const double big = hfy_linalg_largest_(a, n);
  int exponent;
  if (!hfy_base_is_finite_(big)) return 0;
  if (!(big > 0)) return 1;
  (void)frexp(big, &exponent);
  return ldexp(1.0, exponent < -1000 ? 1000 : exponent > 1000 ? -1000 : -exponent);
}

/* Eigenvalues of a (n x n, finite) in order, with scratch of hfy_linalg_general_plan_(n). */
HFY_COLD_ hfy_status hfy_linalg_eigenvalues_(const hfy_simd_ *simd, const double *a, size_t n, double *re, double *im,
                                             const hfy_linalg_general_ *e) {
  const double unit = hfy_linalg_unit_(a, n * n);
  size_t *rows = e->counts, *columns = e->counts + n, *index = e->index, left = n, i, j, alone = 0;
  hfy_status status;
  if (!(unit > 0)) return HFY_ERR_NONFINITE;
  memset(rows, 0, 2 * n * sizeof *rows);
  for (i = 0; i < n; i++) {
    index[i] = i;
    for (j = 0; j < n; j++) {
      const size_t there = j != i && a[i * n + j] != 0;
      rows[i] += there;
      columns[j] += there;
    }
  }
  for (i = left; i-- > 0;) { /* an eigenvalue alone in its row or column */
    const size_t at = index[i];
    if (rows[at] && columns[at]) continue;
    re[alone] = a[at * n + at];
    im[alone++] = 0;
    memmove(index + i, index + i + 1, (--left - i) * sizeof *index);
    for (j = 0; j < left; j++) {
      rows[index[j]] -= a[index[j] * n + at] != 0;
      columns[index[j]] -= a[at * n + index[j]] != 0;
    }
    i = left; /* from the end again */
  }
  for (i = 0; i < left; i++)
    for (j = 0; j < left; j++) e->h[i * left + j] = unit * a[index[i] * n + index[j]];
  hfy_linalg_balance_(e->h, left, e->scale);
  hfy_linalg_hessenberg_(simd, left, e);
  status = hfy_linalg_qr_sweeps_(simd, left, re + alone, im + alone, e);
  if (status) return status;
  for (i = alone; i < n; i++) re[i] /= unit;
  for (i = alone; i < n; i++) im[i] /= unit;
  hfy_linalg_order_(re, im, n);
  return HFY_OK;
}

/* Scratch of eigenvectors beside that of the reduction. A complex row or vector: real parts, then imaginary ones. */
typedef struct hfy_linalg_vectors_ {
  hfy_linalg_general_ eigen;
  double *u, *m, *x, *best; /* n complex rows of U, the multipliers; a vector and the best so far */
  unsigned char *swapped;
  double norm, unit; /* of the Hessenberg matrix; what a was scaled by */
} hfy_linalg_vectors_;

HFY_COLD_ void hfy_linalg_vectors_plan_(hfy_base_arena_ *arena, size_t n, hfy_linalg_vectors_ *s) {
  hfy_linalg_general_plan_(arena, n, 1, &s->eigen);
  s->u = HFY_TAKE_(arena, double, hfy_base_times_(n, hfy_base_times_(2, n)));
  s->m = HFY_TAKE_(arena, double, hfy_base_times_(2, n));
  s->x = HFY_TAKE_(arena, double, hfy_base_times_(2, n));
  s->best = HFY_TAKE_(arena, double, hfy_base_times_(2, n));
  s->swapped = HFY_TAKE_(arena, unsigned char, n);
}

/* Reduces a once; then hfy_linalg_vector_ for any of its eigenvalues. */
HFY_COLD_ hfy_status hfy_linalg_vectors_begin_(const hfy_simd_ *simd, const double *a, size_t n,
                                               hfy_linalg_vectors_ *s) {
  double *h = s->eigen.h;
  size_t i, j;
  s->unit = hfy_linalg_unit_(a, n * n);
  if (!(s->unit > 0)) return HFY_ERR_NONFINITE;
  for (i = 0; i < n * n; i++) h[i] = s->unit * a[i];
  hfy_linalg_balance_(h, n, s->eigen.scale);
  hfy_linalg_hessenberg_(simd, n, &s->eigen);
  s->norm = 0;
  for (i = 0; i < n; i++) {
    double sum = 0;
    for (j = i ? i - 1 : 0; j < n; j++) sum += fabs(h[i * n + j]);
    if (sum > s->norm) s->norm = sum;
  }
  return HFY_OK;
}

/* H - lambda = L U by elimination between neighbouring rows; pivots below eps |H| become that. */
HFY_PRIVATE_ void hfy_linalg_shifted_factor_(const hfy_linalg_vectors_ *s, size_t n, double re, double im) {
  const double tiny = s->norm > 0 ? DBL_EPSILON * s->norm : 1;
  size_t i, j;
  for (i = 0; i < n; i++) {
    double *row = s->u + 2 * n * i;
    memcpy(row, s->eigen.h + i * n, n * sizeof *row);
    memset(row + n, 0, n * sizeof *row);
    row[i] -= re;
    row[n + i] = -im;
  }
  for (i = 0; i < n; i++) {
    double *ar = s->u + 2 * n * i, *ai = ar + n, *br = ai + n, *bi = br + n, d, fr, fi;
    s->swapped[i] = i + 1 < n && fabs(br[i]) + fabs(bi[i]) > fabs(ar[i]) + fabs(ai[i]);
    if (s->swapped[i]) hfy_base_swap_(ar + i, br + i, (2 * n - i) * sizeof *ar);
    if (fabs(ar[i]) + fabs(ai[i]) < tiny) {
      ar[i] = tiny;
      ai[i] = 0;
    }
    if (i + 1 == n) break;
    d = 1 / (ar[i] * ar[i] + ai[i] * ai[i]);
    fr = (br[i] * ar[i] + bi[i] * ai[i]) * d;
    fi = (bi[i] * ar[i] - br[i] * ai[i]) * d;
    s->m[i] = fr;
    s->m[n + i] = fi;
    for (j = i + 1; j < n; j++) {
      br[j] -= fr * ar[j] - fi * ai[j];
      bi[j] -= fr * ai[j] + fi * ar[j];
    }
  }
}

/* x <- (H - lambda)^-1 x, scaled to largest element about 1; returns by how much it grew. */
HFY_PRIVATE_ double hfy_linalg_shifted_solve_(const hfy_linalg_vectors_ *s, size_t n) {
  double *xr = s->x, *xi = xr + n, grown = 1, most = 0;
  const double *mr = s->m, *mi = mr + n;
  size_t i, j;
  for (i = 0; i + 1 < n; i++) {
    if (s->swapped[i]) {
      hfy_base_swap_(xr + i, xr + i + 1, sizeof *xr);
      hfy_base_swap_(xi + i, xi + i + 1, sizeof *xi);
    }
    xr[i + 1] -= mr[i] * xr[i] - mi[i] * xi[i];
    xi[i + 1] -= mr[i] * xi[i] + mi[i] * xr[i];
  }
  for (i = n; i-- > 0;) {
    const double *ar = s->u + 2 * n * i, *ai = ar + n;
    double sr = xr[i], si = xi[i], d, size;
    for (j = i + 1; j < n; j++) {
      sr -= ar[j] * xr[j] - ai[j] * xi[j];
      si -= ar[j] * xi[j] + ai[j] * xr[j];
    }
    d = 1 / (ar[i] * ar[i] + ai[i] * ai[i]);
    xr[i] = (sr * ar[i] + si * ai[i]) * d;
    xi[i] = (si * ar[i] - sr * ai[i]) * d;
    size = fabs(xr[i]) + fabs(xi[i]);
    if (!(size > 1e100)) continue; /* long before it overflows */
    for (j = 0; j < 2 * n; j++) xr[j] /= size;
    grown *= size;
  }
  for (i = 0; i < n; i++) most = fabs(xr[i]) + fabs(xi[i]) > most ? fabs(xr[i]) + fabs(xi[i]) : most;
  for (i = 0; most > 0 && i < 2 * n; i++) xr[i] /= most;
  return grown * most;
}

/* The right eigenvector of unit length, its largest element real and positive. */
HFY_COLD_ void hfy_linalg_vector_(size_t n, double re, double im, double *vr, double *vi,
                                  const hfy_linalg_vectors_ *s) {
  double *x = s->x, norm = 0, big = 0, cr = 1, ci = 0, most = 0;
  size_t i, c;
  int pass;
  hfy_linalg_shifted_factor_(s, n, s->unit * re, s->unit * im);
  for (i = 0; i < 2 * n; i++) x[i] = i < n ? 1 - 0.5 * (double)(i % 7) / 7 : 0; /* in no special position */
  for (pass = 0; pass < 3; pass++) { /* the residual is 1 / growth: fewer passes serve a defective matrix best */
    const double grown = hfy_linalg_shifted_solve_(s, n);
    if (pass && grown < most) break;
    most = grown;
    memcpy(s->best, x, 2 * n * sizeof *x);
  }
  memcpy(x, s->best, 2 * n * sizeof *x);
  for (c = n > 2 ? n - 2 : 0; c-- > 0;)
    for (i = c + 1; i < 2 * n; i += n) /* real parts, imaginary parts */
      hfy_linalg_mirror_(s->eigen.tau[c], s->eigen.all + c * n + c + 1, x + i, n - c - 1);
  for (i = 0; i < 2 * n; i++) x[i] *= s->eigen.scale[i < n ? i : i - n];
  most = 0;
  for (i = 0; i < n; i++) most = fabs(x[i]) > most ? fabs(x[i]) : fabs(x[n + i]) > most ? fabs(x[n + i]) : most;
  for (i = 0; most > 0 && i < 2 * n; i++) x[i] /= most;
  for (i = 0; i < n; i++) {
    const double size = x[i] * x[i] + x[n + i] * x[n + i];
    norm += size;
    if (size > big * (1 + 1e-9)) {
      big = size;
      cr = x[i];
      ci = x[n + i];
    }
  }
  norm = 1 / (sqrt(norm) * sqrt(cr * cr + ci * ci));
  for (i = 0; i < n; i++) {
    vr[i] = (x[i] * cr + x[n + i] * ci) * norm;
    vi[i] = im > 0 || im < 0 ? (x[n + i] * cr - x[i] * ci) * norm : 0;
  }
}

/* a: n x n, finite; with `lower` only its lower triangle. */
HFY_COLD_ hfy_status hfy_linalg_check_square_(const double *a, size_t n, int lower, hfy_work *work) {
  size_t i, j;
  if (!a) return hfy_base_null_(work, "a");
  if (!n) return hfy_base_fail_(work, HFY_ERR_ARG, "n is 0; it should be at least 1");
  if (!hfy_base_fits_(n, hfy_base_times_(2, n), sizeof *a))
    return hfy_base_fail_(work, HFY_ERR_ARG, "n is %z; a matrix of that size cannot exist", n);
  for (i = 0; i < n; i++)
    for (j = 0; j < (lower ? i + 1 : n); j++)
      if (!hfy_base_is_finite_(a[i * n + j]))
        return hfy_base_fail_(work, HFY_ERR_NONFINITE, "a[%z] is %g; it should be finite", i * n + j, a[i * n + j]);
  return HFY_OK;
}

/* The eigenvalues of a in the memory of work: real parts, then imaginary ones. missing: an argument that is NULL. */
HFY_COLD_ hfy_status hfy_linalg_eigen_(const double *a, size_t n, const char *missing, double **found, hfy_work *work) {
  hfy_base_arena_ arena = {NULL, 0, 0};
  const hfy_simd_ *simd = hfy_simd_choose_(work);
  hfy_linalg_general_ scratch;
  hfy_status status = simd ? hfy_linalg_check_square_(a, n, 0, work) : HFY_ERR_UNSUPPORTED;
  if (!status) status = hfy_base_null_(work, missing);
  while (hfy_base_layout_(&arena, work, &status)) {
    hfy_linalg_general_plan_(&arena, n, 0, &scratch);
    *found = HFY_TAKE_(&arena, double, hfy_base_times_(2, n));
  }
  if (!status && (status = hfy_linalg_eigenvalues_(simd, a, n, *found, *found + n, &scratch)))
    hfy_base_fail_(work, status, "an eigenvalue of a did not converge in %z iterations", (size_t)HFY_LINALG_QR_MOST_);
  return status;
}

HFY_API HFY_SMALL_ hfy_status hfy_eigenvalues(const double *a, size_t n, double *re, double *im, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  double *found = NULL;
  const hfy_status status = hfy_linalg_eigen_(a, n, !re ? "re" : !im ? "im" : NULL, &found, w);
  if (!status) {
    memcpy(re, found, n * sizeof *re);
    memcpy(im, found + n, n * sizeof *im);
  }
  return hfy_base_close_(w, &local, status);
}

/* |A v - lambda v| / |A|_F, everything scaled, so that no square overflows. */
HFY_PRIVATE_ double hfy_linalg_residual_(const double *a, size_t n, double re, double im, const double *x,
                                         const double *y, double unit) {
  double sum = 0, norm = 0;
  size_t i, j;
  for (i = 0; i < n; i++) {
    double s = -unit * (re * x[i] - im * y[i]), t = -unit * (re * y[i] + im * x[i]);
    for (j = 0; j < n; j++) {
      const double one = unit * a[i * n + j];
      s += one * x[j];
      t += one * y[j];
      norm += one * one;
    }
    sum += s * s + t * t;
  }
  return norm > 0 ? sqrt(sum / norm) : 0;
}

HFY_API HFY_SMALL_ hfy_status hfy_eigenvectors(const double *a, size_t n, const double *re, const double *im,
                                               size_t count, double *vectors_re, double *vectors_im, double *residual,
                                               hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  const hfy_simd_ *simd = hfy_simd_choose_(w);
  hfy_linalg_vectors_ scratch;
  hfy_status status = simd ? hfy_linalg_check_square_(a, n, 0, w) : HFY_ERR_UNSUPPORTED;
  size_t k;
  if (!status && !hfy_base_fits_(count, n, sizeof *a))
    status = hfy_base_fail_(w, HFY_ERR_ARG, "count %z, n %z: vectors of that size cannot exist", count, n);
  if (!status && count)
    status = hfy_base_null_(w, !re ? "re" : !im ? "im" : !vectors_re ? "vectors_re" : vectors_im ? NULL : "vectors_im");
  for (k = 0; !status && k < count; k++)
    if (!hfy_base_is_finite_(re[k]) || !hfy_base_is_finite_(im[k]))
      status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "eigenvalue %z is not finite", k);
  while (hfy_base_layout_(&arena, w, &status)) hfy_linalg_vectors_plan_(&arena, n, &scratch);
  if (!status && count) status = hfy_linalg_vectors_begin_(simd, a, n, &scratch);
  for (k = 0; !status && k < count; k++) {
    double *x = vectors_re + k * n, *y = vectors_im + k * n;
    hfy_linalg_vector_(n, re[k], im[k], x, y, &scratch);
    if (residual) residual[k] = hfy_linalg_residual_(a, n, re[k], im[k], x, y, scratch.unit);
  }
  return hfy_base_close_(w, &local, status);
}

/* Thin QR by reflections: rows 0 .. count-1 of x (count x n, count <= n) are the columns of the matrix and become the
   orthonormal columns of Q; t (count x count) gets the triangle T, its lower part 0. tau: count. Cost 4 n count^2. */
HFY_COLD_ void hfy_linalg_thin_qr_(double *x, size_t count, size_t n, double *t, double *tau) {
  size_t j, k;
  memset(t, 0, count * count * sizeof *t);
  for (k = 0; k < count; k++) {
    double *v = x + k * n + k;
    for (j = 0; j < k; j++) t[j * count + k] = x[k * n + j];
    t[k * count + k] = hfy_linalg_reflection_(v, n - k, &tau[k]);
    for (j = k + 1; j < count; j++) hfy_linalg_mirror_(tau[k], v, x + j * n + k, n - k);
  }
  for (k = count; k-- > 0;) { /* Q column by column, from the last: unit vectors under all the reflections before */
    double *v = x + k * n;
    for (j = k + 1; j < count; j++) hfy_linalg_mirror_(tau[k], v + k, x + j * n + k, n - k);
    for (j = 0; j < n; j++) v[j] = j < k ? 0 : -tau[k] * v[j];
    v[k] += 1;
  }
}

/* ------------------------------------------------------------------------------------------------------------------
   >>linalg.spectra.impl   symmetric eigenvalues, singular values, pseudo-inverse, Cholesky in blocks
   May call: base, simd, linalg.gemm.
   How: Householder reflections make a symmetric matrix tridiagonal, in panels, so that one product with the matrix a
   column is all that reads it and all else is a matrix product; implicit QL with Wilkinson's shift; its rotations are
   collected and applied to strips of columns that stay in cache; the reflections are undone in blocks.
   Numerics: a matrix is first scaled by a power of two to a largest entry in [1/2, 1), so no square overflows and a
   floor of 1e-40 under the off-diagonal is far below rounding.
   ------------------------------------------------------------------------------------------------------------------ */
enum { HFY_LINALG_REFLECT_ = 32 }; /* columns of a panel of reflections */
enum { HFY_LINALG_STRIP_ = 16 };   /* columns that rotations are applied to at a time */
enum { HFY_LINALG_FACTOR_ = 96 };  /* rows of a block of a Cholesky factor */
enum { HFY_LINALG_SWEEPS_ = 60 };  /* most QL steps for one eigenvalue, most sweeps of Jacobi rotations */

typedef struct hfy_linalg_rotation_ {
  double c, s;
  size_t row;
} hfy_linalg_rotation_;

typedef struct hfy_linalg_symmetric_ {
  const hfy_simd_ *simd;
  size_t n, room, count;        /* rotations: room for, collected so far */
  double *reflectors;           /* n x n: row j the reflection of column j; without vectors one panel of them */
  double *tau, *diagonal, *off; /* n each */
  double *w;                    /* panel x n */
  double *small;                /* 2 x panel: inner products */
  double *block, *turned;       /* panel x panel, n x panel: undoing the reflections */
  double *gemm;
  double *vectors;
  hfy_linalg_rotation_ *rotations;
} hfy_linalg_symmetric_;

HFY_COLD_ void hfy_linalg_symmetric_plan_(hfy_base_arena_ *arena, size_t n, int vectors, hfy_linalg_symmetric_ *s) {
  size_t panel = HFY_LINALG_REFLECT_;
  s->n = n;
  s->room = vectors ? hfy_base_plus_(hfy_base_times_(n, 8), 64) : 0;
  s->count = 0;
  s->reflectors = HFY_TAKE_(arena, double, hfy_base_times_(vectors ? n : panel, n));
  s->tau = HFY_TAKE_(arena, double, n);
  s->diagonal = HFY_TAKE_(arena, double, n);
  s->off = HFY_TAKE_(arena, double, n);
  s->w = HFY_TAKE_(arena, double, hfy_base_times_(panel, n));
  s->small = HFY_TAKE_(arena, double, 2 * panel);
  s->block = HFY_TAKE_(arena, double, vectors ? panel * panel : 0);
  s->turned = HFY_TAKE_(arena, double, vectors ? hfy_base_times_(2 * panel, n) : 0);
  s->gemm = HFY_TAKE_(arena, double, hfy_linalg_gemm_scratch_(n, n, n, sizeof(double)));
  s->rotations = HFY_TAKE_(arena, hfy_linalg_rotation_, s->room);
}

/* Reflections I - tau v v^T, v[j+1] = 1, that make the symmetric a (n x n, both triangles, overwritten) tridiagonal. */
HFY_PRIVATE_ void hfy_linalg_tridiagonal_(hfy_linalg_symmetric_ *s, double *a) {
  const size_t n = s->n;
  double *const with_w = s->small, *const with_v = s->small + HFY_LINALG_REFLECT_, *w = s->w;
  size_t k0, j, i, r;
  for (k0 = 0; k0 < n; k0 += HFY_LINALG_REFLECT_) {
    const size_t width = hfy_base_min_(HFY_LINALG_REFLECT_, n - k0), k1 = k0 + width, rest = n - k1;
    double *v = s->room ? s->reflectors + k0 * n : s->reflectors;
    memset(w, 0, width * n * sizeof *w);
    for (j = k0; j < k1; j++) {
      const size_t done = j - k0, m = n - j - 1, top = j + 1;
      double *x = v + done * n, *y = w + done * n, norm, dot;
      memset(x, 0, j * sizeof *x);
      memcpy(x + j, a + j * n + j, (n - j) * sizeof *x);
      for (i = 0; i < done; i++) {
        const double vj = v[i * n + j], wj = w[i * n + j];
        for (r = j; r < n; r++) x[r] -= v[i * n + r] * wj + w[i * n + r] * vj;
      }
      s->diagonal[j] = x[j];
      s->tau[j] = x[j] = 0;
      if (m) s->off[j] = x[top];
      norm = sqrt(hfy_linalg_dot_(x + top, x + top, m));
      if (m < 2 || !(norm > fabs(x[top]))) { /* nothing to reflect */
        memset(x + top, 0, m * sizeof *x);
        continue;
      }
      if (x[top] > 0) norm = -norm;
      s->off[j] = norm;
      s->tau[j] = (norm - x[top]) / norm;
      for (r = j + 2; r < n; r++) x[r] /= x[top] - norm;
      x[top] = 1;
      hfy_linalg_apply_(s->simd, m, m, hfy_linalg_rows_(a + top * n + top, n), x + top, hfy_linalg_set_(y + top, 1));
      for (i = 0; i < done; i++) with_w[i] = hfy_linalg_dot_(w + i * n + top, x + top, m);
      for (i = 0; i < done; i++) with_v[i] = hfy_linalg_dot_(v + i * n + top, x + top, m);
      for (i = 0; i < done; i++)
        for (r = top; r < n; r++) y[r] -= v[i * n + r] * with_w[i] + w[i * n + r] * with_v[i];
      for (r = top; r < n; r++) y[r] *= s->tau[j];
      dot = 0.5 * s->tau[j] * hfy_linalg_dot_(x + top, y + top, m);
      hfy_linalg_axpy_(-dot, x + top, y + top, m);
    }
    if (rest) { /* what is left: A <- A - V W^T - W V^T */
      const hfy_linalg_view_ vs = hfy_linalg_rows_(v + k1, n), ws = hfy_linalg_rows_(w + k1, n);
      const hfy_linalg_into_ into = hfy_linalg_less_(a + k1 * n + k1, n);
      hfy_linalg_multiply_(s->simd, rest, rest, width, hfy_linalg_flip_(vs), ws, into, s->gemm);
      hfy_linalg_multiply_(s->simd, rest, rest, width, hfy_linalg_flip_(ws), vs, into, s->gemm);
    }
  }
}

/* x <- c x - s y, y <- s x + c y. */
static inline void hfy_linalg_turn_(double *x, double *y, size_t n, double c, double s) {
  size_t i;
  for (i = 0; i < n; i++) {
    const double a = x[i], b = y[i];
    x[i] = c * a - s * b;
    y[i] = s * a + c * b;
  }
}

/* The collected rotations on a strip of columns of the vectors (which are rows); all but the last are as wide. */
HFY_PRIVATE_ void hfy_linalg_rotate_strip_(void *context, size_t strip) {
  const hfy_linalg_symmetric_ *s = (const hfy_linalg_symmetric_ *)context;
  const size_t first = strip * HFY_LINALG_STRIP_, left = s->n - first;
  const hfy_linalg_rotation_ *r = s->rotations, *const end = r + s->count;
  for (; r < end; r++) {
    double *x = s->vectors + first + r->row * s->n;
    if (left < HFY_LINALG_STRIP_)
      hfy_linalg_turn_(x, x + s->n, left, r->c, r->s);
    else
      hfy_linalg_turn_(x, x + s->n, HFY_LINALG_STRIP_, r->c, r->s);
  }
}

HFY_PRIVATE_ void hfy_linalg_rotate_(hfy_linalg_symmetric_ *s) {
  if (s->count && s->vectors)
    hfy_base_parallel_((s->n + HFY_LINALG_STRIP_ - 1) / HFY_LINALG_STRIP_, hfy_linalg_rotate_strip_, s);
  s->count = 0;
}

/* Eigenvalues of the tridiagonal matrix in s->diagonal and s->off, in place, in no order; vectors get its rotations. */
HFY_PRIVATE_ hfy_status hfy_linalg_ql_(hfy_linalg_symmetric_ *s) {
  double *d = s->diagonal, *e = s->off, norm = 0;
  const size_t n = s->n;
  size_t l, m, i;
  int steps = 0;
  if (n) e[n - 1] = 0;
  for (i = 0; i < n; i++) norm = fabs(d[i]) + fabs(e[i]) > norm ? fabs(d[i]) + fabs(e[i]) : norm;
  for (l = 0; l < n;) {
    double g, r, sine = 1, cosine = 1, p = 0;
    for (m = l; m + 1 < n; m++)
      if (fabs(e[m]) <= DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1])) + 1e-40 ||
          (steps > 4 && fabs(e[m]) <= DBL_EPSILON * norm)) /* rounding of larger entries keeps it alive */
        break;
    if (m == l) { /* found */
      steps = 0;
      l++;
      continue;
    }
    if (steps++ == HFY_LINALG_SWEEPS_) return HFY_ERR_CONVERGENCE;
    if (s->vectors && s->room - s->count < m - l) hfy_linalg_rotate_(s);
    g = (d[l + 1] - d[l]) / (2 * e[l]);
    r = sqrt(g * g + 1);
    g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r));
    for (i = m; i > l; i--) {
      const double f = sine * e[i - 1], b = cosine * e[i - 1];
      e[i] = r = sqrt(f * f + g * g);
      if (!(r > 0)) break; /* splits here */
      sine = f / r;
      cosine = g / r;
      g = d[i] - p;
      r = (d[i - 1] - g) * sine + 2 * cosine * b;
      p = sine * r;
      d[i] = g + p;
      g = cosine * r - b;
      if (s->vectors) {
        const hfy_linalg_rotation_ turn = {cosine, sine, i - 1};
        s->rotations[s->count++] = turn;
      }
    }
    d[i] -= p;
    if (i == l) e[l] = g;
    e[m] = 0;
  }
  hfy_linalg_rotate_(s);
  return HFY_OK;
}

/* vectors <- vectors Q^T: the reflections, a panel at a time from the last: I - V^T T V with T upper triangular. */
HFY_COLD_ void hfy_linalg_reflect_(hfy_linalg_symmetric_ *s, double *vectors) {
  const size_t n = s->n;
  double *t = s->block, *zv = s->turned, *zvt = zv + n * HFY_LINALG_REFLECT_;
  size_t k0, i, j;
  for (k0 = (n - 1) / HFY_LINALG_REFLECT_ * HFY_LINALG_REFLECT_;; k0 -= HFY_LINALG_REFLECT_) {
    const size_t width = hfy_base_min_(HFY_LINALG_REFLECT_, n - k0), m = n - k0;
    const double *v = s->reflectors + k0 * n + k0;
    for (j = 0; j < width; j++) {
      for (i = 0; i < j; i++) s->small[i] = hfy_linalg_dot_(v + i * n, v + j * n, m);
      hfy_linalg_compact_(t, width, j, s->tau[k0 + j], s->small);
    }
    /* each vector z <- (I - V^T T V) z: with vectors as rows, Z <- Z - ((Z V^T) T^T) V */
    hfy_linalg_multiply_(s->simd, n, width, m, hfy_linalg_rows_(vectors + k0, n), hfy_linalg_turned_(v, n),
                         hfy_linalg_set_(zv, width), s->gemm);
    hfy_linalg_multiply_(s->simd, n, width, width, hfy_linalg_rows_(zv, width), hfy_linalg_turned_(t, width),
                         hfy_linalg_set_(zvt, width), s->gemm);
    hfy_linalg_multiply_(s->simd, n, m, width, hfy_linalg_rows_(zvt, width), hfy_linalg_rows_(v, n),
                         hfy_linalg_less_(vectors + k0, n), s->gemm);
    if (!k0) break;
  }
}

/* The values in descending order, and with them rows of x (nx each) and y (ny each); few swaps if that is nearly so. */
HFY_COLD_ void hfy_linalg_descend_(double *values, size_t n, double *x, size_t nx, double *y, size_t ny) {
  size_t i, j, best;
  for (i = 0; i < n; i++) {
    for (best = i, j = i + 1; j < n; j++)
      if (values[j] > values[best]) best = j;
    if (best == i) continue;
    hfy_base_swap_(values + i, values + best, sizeof *values);
    if (nx) hfy_base_swap_(x + i * nx, x + best * nx, nx * sizeof *x);
    if (ny) hfy_base_swap_(y + i * ny, y + best * ny, ny * sizeof *y);
  }
}

/* Eigenvalues and vectors of the symmetric a: both triangles, overwritten. Largest first. */
HFY_COLD_ hfy_status hfy_linalg_symmetric_run_(hfy_linalg_symmetric_ *s, double *a, double *values, double *vectors) {
  const size_t n = s->n;
  const double unit = hfy_linalg_unit_(a, n * n);
  size_t i;
  hfy_status status;
  if (!(unit > 0)) return HFY_ERR_NONFINITE;
  for (i = 0; i < n * n; i++) a[i] *= unit;
  hfy_linalg_tridiagonal_(s, a);
  s->vectors = vectors;
  for (i = 0; vectors && i < n * n; i++) vectors[i] = i % (n + 1) == 0;
  status = hfy_linalg_ql_(s);
  if (status) return status;
  if (vectors) hfy_linalg_reflect_(s, vectors);
  hfy_linalg_descend_(s->diagonal, n, vectors, vectors ? n : 0, NULL, 0);
  for (i = 0; i < n; i++) values[i] = s->diagonal[i] / unit;
  return HFY_OK;
}

/* out = S^+ X, X n x columns, with the eigenvalues and vectors that symmetric_run_ left of S; those above cut times the
   largest count, and how many is returned. turned: n x columns; out may be x. gemm: scratch of n x columns by n. */
HFY_COLD_ size_t hfy_linalg_symmetric_pinv_(const hfy_linalg_symmetric_ *s, const double *values, double cut,
                                            size_t columns, const double *x, double *turned, double *out,
                                            double *gemm) {
  const size_t n = s->n;
  size_t i, j, kept = 0;
  while (kept < n && values[kept] > cut * values[0]) kept++;
  hfy_linalg_multiply_(s->simd, kept, columns, n, hfy_linalg_rows_(s->vectors, n), hfy_linalg_rows_(x, columns),
                       hfy_linalg_set_(turned, columns), gemm);
  for (i = 0; i < kept; i++)
    for (j = 0; j < columns; j++) turned[i * columns + j] /= values[i];
  hfy_linalg_multiply_(s->simd, n, columns, kept, hfy_linalg_turned_(s->vectors, n),
                       hfy_linalg_rows_(turned, columns), hfy_linalg_set_(out, columns), gemm);
  return kept;
}

HFY_API HFY_SMALL_ hfy_status hfy_linalg_eigen(const double *a, size_t n, double *values, double *vectors,
                                               hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_linalg_symmetric_ s;
  hfy_status status;
  double *copy = NULL, *found = NULL, *turned = NULL;
  size_t i, j;
  s.simd = hfy_simd_choose_(w);
  status = s.simd ? hfy_linalg_check_square_(a, n, 1, w) : HFY_ERR_UNSUPPORTED;
  if (!status) status = hfy_base_null_(w, values ? NULL : "values");
  while (hfy_base_layout_(&arena, w, &status)) {
    copy = HFY_TAKE_(&arena, double, n * n);
    found = HFY_TAKE_(&arena, double, n);
    turned = HFY_TAKE_(&arena, double, vectors ? n * n : 0);
    hfy_linalg_symmetric_plan_(&arena, n, vectors != NULL, &s);
  }
  if (status) return hfy_base_close_(w, &local, status);
  for (i = 0; i < n; i++)
    for (j = 0; j <= i; j++) copy[i * n + j] = copy[j * n + i] = a[i * n + j];
  if (hfy_linalg_symmetric_run_(&s, copy, found, turned)) {
    status = hfy_base_fail_(w, HFY_ERR_CONVERGENCE, "QL did not converge on a matrix of %z rows", n);
  } else {
    memcpy(values, found, n * sizeof *found);
    if (vectors) memcpy(vectors, turned, n * n * sizeof *turned);
  }
  return hfy_base_close_(w, &local, status);
}

/* --- singular values --- */

typedef struct hfy_linalg_svd_ {
  hfy_linalg_symmetric_ eigen;
  size_t tall, wide; /* the larger and the smaller side */
  double *matrix;    /* wide x tall: the columns of A V as rows */
  double *scaled;    /* a copy of A, scaled */
  double *gram, *v;  /* wide x wide */
  double *square;    /* wide: |column|^2 */
  double *values;    /* wide; set by hfy_linalg_svd_all_ only */
} hfy_linalg_svd_;

HFY_COLD_ void hfy_linalg_svd_plan_(hfy_base_arena_ *arena, size_t rows, size_t columns, hfy_linalg_svd_ *s) {
  s->tall = rows > columns ? rows : columns;
  s->wide = rows > columns ? columns : rows;
  s->matrix = HFY_TAKE_(arena, double, hfy_base_times_(rows, columns));
  s->scaled = HFY_TAKE_(arena, double, hfy_base_times_(rows, columns));
  s->gram = HFY_TAKE_(arena, double, hfy_base_times_(s->wide, s->wide));
  s->v = HFY_TAKE_(arena, double, hfy_base_times_(s->wide, s->wide));
  s->square = HFY_TAKE_(arena, double, s->wide);
  hfy_linalg_symmetric_plan_(arena, s->wide, 1, &s->eigen);
  /* the eigenproblem's scratch for products serves those with A as well */
  s->eigen.gemm = HFY_TAKE_(arena, double, hfy_linalg_gemm_scratch_(s->tall, s->tall, s->tall, sizeof(double)));
}

/* One sweep of Jacobi's rotations over all pairs of rows of s->matrix (and s->v): how many were needed. */
HFY_PRIVATE_ size_t hfy_linalg_svd_sweep_(const hfy_linalg_svd_ *s) {
  const size_t tall = s->tall, wide = s->wide;
  const double enough = 8 * DBL_EPSILON * sqrt((double)tall); /* what rounding leaves of a dot of unit vectors */
  const double tiny = DBL_MIN / DBL_EPSILON;                  /* the square of a row that counts as 0 */
  double *square = s->square;
  size_t i, j, turns = 0;
  for (i = 0; i + 1 < wide; i++)
    for (j = i + 1; j < wide; j++) {
      double *x = s->matrix + i * tall, *y = s->matrix + j * tall, dot, zeta, t, c;
      if (!(square[i] > tiny) || !(square[j] > tiny)) continue;
      dot = hfy_linalg_dot_(x, y, tall);
      if (fabs(dot) <= enough * sqrt(square[i]) * sqrt(square[j])) continue;
      zeta = (square[j] - square[i]) / (2 * dot);
      t = 1 / (fabs(zeta) + sqrt(1 + zeta * zeta));
      if (zeta < 0) t = -t;
      c = 1 / sqrt(1 + t * t);
      hfy_linalg_turn_(x, y, tall, c, c * t);
      hfy_linalg_turn_(s->v + i * wide, s->v + j * wide, wide, c, c * t);
      square[i] = hfy_linalg_dot_(x, x, tall);
      square[j] = hfy_linalg_dot_(y, y, tall);
      turns++;
    }
  return turns;
}

/* values: wide; the rows of s->matrix become the vectors of the longer side times the values (unit vectors
   if `unit`), those of s->v the vectors of the shorter side, all in descending order. */
HFY_COLD_ hfy_status hfy_linalg_svd_run_(hfy_linalg_svd_ *s, const double *a, size_t rows, size_t columns,
                                         double *values, int unit) {
  const hfy_simd_ *simd = s->eigen.simd;
  const size_t tall = s->tall, wide = s->wide;
  const hfy_linalg_view_ own = hfy_linalg_rows_(s->scaled, columns);
  const hfy_linalg_view_ across = rows >= columns ? hfy_linalg_flip_(own) : own; /* wide x tall */
  const double scale = hfy_linalg_unit_(a, rows * columns);
  double *b = s->matrix;
  size_t i, r, sweep = 0;
  hfy_status status;
  if (!(scale > 0)) return HFY_ERR_NONFINITE;
  for (i = 0; i < rows * columns; i++) s->scaled[i] = a[i] * scale;
  hfy_linalg_gram_(simd, wide, tall, across, s->gram, s->eigen.gemm);
  status = hfy_linalg_symmetric_run_(&s->eigen, s->gram, s->square, s->v);
  if (status) return status;
  /* b_i = A v_i */
  hfy_linalg_multiply_(simd, wide, tall, wide, hfy_linalg_rows_(s->v, wide), across, hfy_linalg_set_(b, tall),
                       s->eigen.gemm);
  for (i = 0; i < wide; i++) s->square[i] = hfy_linalg_dot_(b + i * tall, b + i * tall, tall);
  while (hfy_linalg_svd_sweep_(s))
    if (++sweep == HFY_LINALG_SWEEPS_) return HFY_ERR_CONVERGENCE;
  hfy_linalg_descend_(s->square, wide, b, tall, s->v, wide);
  for (i = 0; i < wide; i++) {
    const double norm = s->square[i] > DBL_MIN / DBL_EPSILON ? sqrt(s->square[i]) : 0;
    for (r = 0; unit && r < tall; r++) b[i * tall + r] = norm > 0 ? b[i * tall + r] / norm : 0;
    values[i] = norm / scale;
  }
  return HFY_OK;
}

/* Checks and decomposes a in scratch of the work, s->values too; out: the result called `name`. */
HFY_COLD_ hfy_status hfy_linalg_svd_all_(hfy_linalg_svd_ *s, const double *a, size_t rows, size_t columns, int unit,
                                         const void *out, const char *name, hfy_work *w) {
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_status status = HFY_OK;
  s->eigen.simd = hfy_simd_choose_(w);
  if (!s->eigen.simd) return HFY_ERR_UNSUPPORTED;
  if (!a || !out) return hfy_base_null_(w, !a ? "a" : name);
  if (!rows || !columns || !hfy_base_fits_(rows, hfy_base_times_(columns, 2), sizeof(double)))
    return hfy_base_fail_(w, HFY_ERR_ARG,
                          "rows is %z and columns %z; both should be at least 1, and such an array should exist",
                          rows, columns);
  if (!hfy_base_is_finite_(hfy_linalg_largest_(a, rows * columns)))
    return hfy_base_fail_(w, HFY_ERR_NONFINITE, "a holds NaN or infinity");
  while (hfy_base_layout_(&arena, w, &status)) {
    s->values = HFY_TAKE_(&arena, double, hfy_base_min_(rows, columns));
    hfy_linalg_svd_plan_(&arena, rows, columns, s);
  }
  if (status || !hfy_linalg_svd_run_(s, a, rows, columns, s->values, unit)) return status;
  return hfy_base_fail_(w, HFY_ERR_CONVERGENCE, "the rotations did not converge on %z x %z", rows, columns);
}

HFY_API HFY_SMALL_ hfy_status hfy_linalg_svd(const double *a, size_t rows, size_t columns, double *values, double *left,
                                             double *right, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_linalg_svd_ s;
  const int upright = rows >= columns;
  const hfy_status status = hfy_linalg_svd_all_(&s, a, rows, columns, left || right, values, "values", w);
  if (status) return hfy_base_close_(w, &local, status);
  memcpy(values, s.values, s.wide * sizeof *values);
  if (left) memcpy(left, upright ? s.matrix : s.v, s.wide * rows * sizeof *left);
  if (right) memcpy(right, upright ? s.v : s.matrix, s.wide * columns * sizeof *right);
  return hfy_base_close_(w, &local, HFY_OK);
}

HFY_API HFY_SMALL_ hfy_status hfy_linalg_pinv(const double *a, size_t rows, size_t columns, double cut, double *inverse,
                                              size_t *rank, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_linalg_svd_ s;
  hfy_status status = HFY_OK;
  double *l, *r;
  size_t i, j, kept = 0;
  if (!(cut >= 0 && hfy_base_is_finite_(cut))) status = hfy_base_should_(w, "", "cut", cut, "finite and not negative");
  if (!status) status = hfy_linalg_svd_all_(&s, a, rows, columns, 1, inverse, "inverse", w);
  if (status) return hfy_base_close_(w, &local, status);
  l = rows >= columns ? s.matrix : s.v; /* sum over the kept of r_i l_i^T / value_i */
  r = rows >= columns ? s.v : s.matrix;
  if (!(cut > 0)) cut = (double)s.tall * DBL_EPSILON;
  while (kept < s.wide && s.values[kept] > cut * s.values[0]) kept++;
  for (i = 0; i < kept; i++)
    for (j = 0; j < columns; j++) r[i * columns + j] /= s.values[i];
  hfy_linalg_multiply_(s.eigen.simd, columns, rows, kept, hfy_linalg_turned_(r, columns), hfy_linalg_rows_(l, rows),
                       hfy_linalg_set_(inverse, rows), s.eigen.gemm);
  if (rank) *rank = kept;
  return hfy_base_close_(w, &local, HFY_OK);
}

/* --- a product split by rows among the workers: the bits are those of one --- */

typedef struct hfy_linalg_product_ {
  const hfy_simd_ *simd;
  size_t m, n, k, tasks;
  hfy_linalg_view_ a, b;
  hfy_linalg_into_ c;
  double *gemm;
} hfy_linalg_product_;

HFY_COLD_ void hfy_linalg_product_task_(void *context, size_t task) {
  const hfy_linalg_product_ *p = (const hfy_linalg_product_ *)context;
  const size_t first = hfy_base_share_(p->m, task, p->tasks), rows = hfy_base_share_(p->m, task + 1, p->tasks) - first;
  hfy_linalg_view_ a = p->a;
  hfy_linalg_into_ c = p->c;
  a.at = (const double *)a.at + first * a.row;
  c.at = (double *)c.at + first * c.stride;
  hfy_linalg_multiply_(p->simd, rows, p->n, p->k, a, p->b, c,
                       p->gemm + task * hfy_linalg_gemm_scratch_(p->m, p->n, p->k, sizeof(double)));
}

/* As hfy_linalg_multiply_; gemm: workers x hfy_linalg_gemm_scratch_(m, n, k) doubles. */
HFY_COLD_ void hfy_linalg_product_run_(const hfy_simd_ *simd, size_t m, size_t n, size_t k, hfy_linalg_view_ a,
                                       hfy_linalg_view_ b, hfy_linalg_into_ c, double *gemm) {
  hfy_linalg_product_ p = {simd, m, n, k, hfy_base_min_(hfy_base_workers_(), m / 16 + 1), a, b, c, gemm};
  hfy_base_parallel_(p.tasks, hfy_linalg_product_task_, &p);
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
  double *hold;     /* tasks x held: block x columns of a task */
  size_t slice, held;
  double *x;        /* right-hand sides, n x columns */
  size_t columns;
} hfy_linalg_factor_;

/* l: the caller's n x n. columns: of all right-hand sides together, at most. */
HFY_COLD_ void hfy_linalg_factor_plan_(hfy_base_arena_ *arena, size_t n, size_t columns, hfy_linalg_factor_ *f) {
  const size_t block = HFY_LINALG_FACTOR_;
  f->n = n;
  f->columns = columns;
  f->tasks = hfy_base_workers_();
  f->slice = hfy_linalg_gemm_scratch_(n, columns > n ? columns : n, n, sizeof(double));
  f->held = hfy_base_times_(block, columns / f->tasks + 1);
  f->inverse = HFY_TAKE_(arena, double, hfy_base_times_(n + block, block));
  f->panel = HFY_TAKE_(arena, double, hfy_base_times_(n, block));
  f->diagonal = HFY_TAKE_(arena, double, n);
  f->gemm = HFY_TAKE_(arena, double, hfy_base_times_(f->tasks, f->slice));
  f->hold = HFY_TAKE_(arena, double, hfy_base_times_(f->tasks, f->held));
}

/* A = L L^T in place in f->l (lower triangle). HFY_ERR_SINGULAR as hfy_linalg_cholesky_. */
HFY_COLD_ hfy_status hfy_linalg_factor_run_(hfy_linalg_factor_ *f) {
  const size_t n = f->n;
  size_t from, m, i, j, k;
  hfy_status status;
  for (i = 0; i < n; i++) f->diagonal[i] = f->l[i * n + i];
  for (from = 0; from < n; from += m) {
    double *row = f->l + from * n, *l = row + from, *below, *inverse = f->inverse + from * HFY_LINALG_FACTOR_;
    m = hfy_base_min_(HFY_LINALG_FACTOR_, n - from);
    /* the block column, minus what the columns to the left explain */
    hfy_linalg_product_run_(f->simd, n - from, m, from, hfy_linalg_rows_(row, n), hfy_linalg_turned_(row, n),
                            hfy_linalg_less_(l, n), f->gemm);
    status = hfy_linalg_cholesky_rows_(l, n, m, f->diagonal + from, 16 * (double)n * DBL_EPSILON);
    if (status) return status;
    for (i = 0; i < m; i++) /* row i of the inverse from the rows above */
      for (j = 0; j < m; j++) {
        double sum = i == j;
        for (k = j; k < i; k++) sum -= l[i * n + k] * inverse[k * m + j];
        inverse[i * m + j] = j > i ? 0 : sum / l[i * n + i];
      }
    if (from + m == n) break;
    /* the rows below: times the inverse of the diagonal block, transposed */
    below = l + m * n;
    for (i = 0; i < n - from - m; i++) memcpy(f->panel + i * m, below + i * n, m * sizeof *l);
    hfy_linalg_product_run_(f->simd, n - from - m, m, m, hfy_linalg_rows_(f->panel, m), hfy_linalg_turned_(inverse, m),
                            hfy_linalg_set_(below, n), f->gemm);
  }
  return HFY_OK;
}

/* Some columns of X <- A^-1 X: L from the first block of rows on, then L^T from the last. */
HFY_COLD_ void hfy_linalg_factor_solve_task_(void *context, size_t task) {
  const hfy_linalg_factor_ *f = (const hfy_linalg_factor_ *)context;
  const size_t n = f->n, across = f->columns, blocks = (n + HFY_LINALG_FACTOR_ - 1) / HFY_LINALG_FACTOR_;
  const size_t first = hfy_base_share_(across, task, f->tasks);
  const size_t many = hfy_base_share_(across, task + 1, f->tasks) - first;
  double *hold = f->hold + task * f->held, *gemm = f->gemm + task * f->slice;
  size_t step, i;
  for (step = 0; many && step < 2 * blocks; step++) {
    const int back = step >= blocks;
    const size_t from = (back ? 2 * blocks - 1 - step : step) * HFY_LINALG_FACTOR_;
    const size_t m = hfy_base_min_(HFY_LINALG_FACTOR_, n - from), known = back ? from + m : 0;
    const double *inverse = f->inverse + from * HFY_LINALG_FACTOR_;
    double *x = f->x + from * across + first;
    /* minus what the rows already found explain */
    hfy_linalg_multiply_(f->simd, m, many, back ? n - known : from,
                         back ? hfy_linalg_turned_(f->l + known * n + from, n) : hfy_linalg_rows_(f->l + from * n, n),
                         hfy_linalg_rows_(f->x + known * across + first, across), hfy_linalg_less_(x, across), gemm);
    for (i = 0; i < m; i++) memcpy(hold + i * many, x + i * across, many * sizeof *x);
    hfy_linalg_multiply_(f->simd, m, many, m, back ? hfy_linalg_turned_(inverse, m) : hfy_linalg_rows_(inverse, m),
                         hfy_linalg_rows_(hold, many), hfy_linalg_set_(x, across), gemm);
  }
}

/* X <- A^-1 X for the n x columns array x. */
HFY_COLD_ void hfy_linalg_factor_solve_(hfy_linalg_factor_ *f, double *x, size_t columns) {
  f->x = x;
  f->columns = columns;
  hfy_base_parallel_(f->tasks, hfy_linalg_factor_solve_task_, f);
}

/* --- for other rooms --- */

/* rows of dim as doubles, one after another; 0 if one of them is not finite. */
HFY_PRIVATE_ int hfy_linalg_widen_(const hfy_real *x, size_t stride, size_t rows, size_t dim, double *out) {
  size_t i, d;
  int finite = 1;
  for (i = 0; i < rows; i++)
    for (d = 0; d < dim; d++) {
      out[i * dim + d] = (double)x[i * stride + d];
      finite &= hfy_base_is_finite_(out[i * dim + d]);
    }
  return finite;
}

/* The largest eigenvalue of the symmetric tridiagonal matrix (a, b) of order n, by bisection on Sturm's count. */
HFY_COLD_ double hfy_linalg_sturm_(const double *a, const double *b, size_t n) {
  double low = a[0], high = a[0], least;
  size_t i, above;
  int step;
  for (i = 0; i < n; i++) {
    const double most = a[i] + ((i ? fabs(b[i - 1]) : 0) + (i + 1 < n ? fabs(b[i]) : 0));
    if (a[i] > low) low = a[i]; /* the largest eigenvalue is at least every diagonal entry */
    if (most > high) high = most;
  }
  least = DBL_EPSILON * (fabs(low) + fabs(high)) * 1e-3 + DBL_MIN;
  for (step = 0; step < 200; step++) {
    double mid = low + (high - low) / 2, pivot = 1;
    if (!(mid > low && mid < high)) break;
    for (i = above = 0; i < n; i++) { /* signs of the pivots of A - mid */
      pivot = a[i] - mid - (i ? b[i - 1] * b[i - 1] / pivot : 0);
      if (fabs(pivot) < least) pivot = -least;
      above += pivot > 0;
    }
    if (above)
      low = mid;
    else
      high = mid;
  }
  return high;
}

/* The largest eigenvalue of a symmetric operator, y = A v: Lanczos, all vectors orthogonal. room: most (dim + 2). */
HFY_COLD_ double hfy_linalg_lanczos_(void (*apply)(const void *context, const double *v, double *y),
                                     const void *context, size_t dim, size_t most, double *room, double *y) {
  double *basis = room, *a = room + most * dim, *b = a + most, value = 0, previous = -1, norm;
  size_t j, k, d;
  hfy_rng rng = hfy_rng_seed(1);
  int twice, still = 0;
  for (d = 0; d < dim; d++) basis[d] = hfy_rng_normal(&rng);
  norm = sqrt(hfy_linalg_dot_(basis, basis, dim));
  for (d = 0; d < dim; d++) basis[d] /= norm;
  for (j = 0; j < most; j++) {
    double *v = basis + j * dim;
    apply(context, v, y);
    a[j] = hfy_linalg_dot_(v, y, dim);
    for (twice = 0; twice < 2; twice++)
      for (k = 0; k <= j; k++) hfy_linalg_axpy_(-hfy_linalg_dot_(basis + k * dim, y, dim), basis + k * dim, y, dim);
    b[j] = sqrt(hfy_linalg_dot_(y, y, dim));
    value = hfy_linalg_sturm_(a, b, j + 1);
    still = value - previous <= 4 * DBL_EPSILON * value ? still + 1 : 0;
    if (still == 3 || j + 1 == most || !(b[j] > 16 * DBL_EPSILON * fabs(value))) break;
    previous = value;
    for (d = 0; d < dim; d++) v[dim + d] = y[d] / b[j];
  }
  return value;
}

#endif /* HFY_HAS_LINALG_ */

#ifdef HFY_HAS_SIM_
/* ------------------------------------------------------------------------------------------------------------------
   >>sim.impl   scores of queries against keys
   May call: base, simd.
   Numerics: distances are summed from differences, so near matches keep their digits; beta multiplies in double.
   ------------------------------------------------------------------------------------------------------------------ */

/* 1/|x_i|, 0 for the zero vector: what COSINE needs. */
HFY_PRIVATE_ void hfy_sim_inverse_norms_(const hfy_simd_ *simd, const hfy_real *x, size_t stride, size_t rows,
                                         size_t dim, double *inverse) {
  size_t i, d;
  for (i = 0; i < rows; i++) {
    hfy_real square;
    const hfy_real *row = x + i * stride;
    double sum = 0, big = 0;
    simd->dot(row, dim, 1, row, dim, 1, dim, &square, 1);
    inverse[i] = 1 / sqrt((double)square);
    if ((double)square > HFY_REAL_MIN_ / HFY_REAL_EPS_ && (double)square <= HFY_REAL_MAX_) continue;
    /* zero, or a square that leaves the range of hfy_real */
    for (d = 0; d < dim; d++) big = fabs((double)row[d]) > big ? fabs((double)row[d]) : big;
    for (d = 0; d < dim; d++) sum += ((double)row[d] / (big > 0 ? big : 1)) * ((double)row[d] / (big > 0 ? big : 1));
    inverse[i] = big > 0 ? 1 / big / sqrt(sum) : sum; /* sum: 0, or NaN to be found in the scores */
  }
}

/* One cosine, where the dot product itself would leave the range of hfy_real. */
HFY_COLD_ double hfy_sim_cosine_(const hfy_real *x, double inverse_x, const hfy_real *q, double inverse_q, size_t dim) {
  double sum = 0;
  size_t d;
  for (d = 0; d < dim; d++) sum += (double)x[d] * inverse_x * ((double)q[d] * inverse_q);
  return sum;
}

/* Rows on one side of a similarity. */
typedef struct hfy_sim_rows_ {
  const hfy_real *at;
  size_t stride, count;
  const double *inverse; /* COSINE: 1/|row| */
} hfy_sim_rows_;

/* --- a BLAS for the two products of many queries, where HFY_CBLAS, HFY_SGEMM or HFY_DGEMM asks for it --- */
#if defined(HFY_DOUBLE) && defined(HFY_DGEMM)
#define HFY_SIM_GEMM_ HFY_DGEMM
#elif !defined(HFY_DOUBLE) && defined(HFY_SGEMM)
#define HFY_SIM_GEMM_ HFY_SGEMM
#endif
#if defined(HFY_SIM_GEMM_) || defined(HFY_CBLAS)
#define HFY_SIM_BLAS_ 8 /* queries at least */

/* C = A B^T if turned, else C = A B; rows of B are `width` long. 0: sizes that no BLAS takes. */
HFY_PRIVATE_ int hfy_sim_blas_(const hfy_sim_rows_ *a, const hfy_sim_rows_ *b, size_t width, int turned, hfy_real *c,
                               size_t stride) {
  const size_t n = turned ? b->count : width, k = turned ? width : b->count;
#ifdef HFY_SIM_GEMM_
  HFY_SIM_GEMM_(a->count, n, k, (hfy_real)1, a->at, a->stride, (size_t)1, b->at, turned ? (size_t)1 : b->stride,
                turned ? b->stride : (size_t)1, (hfy_real)0, c, stride, (size_t)1);
#else
  if ((a->count | n | k | a->stride | b->stride | stride) > INT_MAX) return 0; /* INT_MAX: 2^n - 1 */
#ifdef HFY_DOUBLE
  cblas_dgemm
#else
  cblas_sgemm
#endif
      (CblasRowMajor, CblasNoTrans, turned ? CblasTrans : CblasNoTrans, (int)a->count, (int)n, (int)k, 1, a->at,
       (int)a->stride, b->at, (int)b->stride, 0, c, (int)stride);
#endif
  return 1;
}
#endif

/* scores[j*out_stride + i] = beta sim(x_i, q_j). */
HFY_PRIVATE_ void hfy_sim_tile_(const hfy_simd_ *simd, hfy_sim sim, double beta, const hfy_sim_rows_ *x,
                                const hfy_sim_rows_ *q, size_t dim, hfy_real *out, size_t out_stride) {
  hfy_simd_pairs_ *pairs = sim == HFY_SIM_MANHATTAN ? simd->manhattan : simd->dot;
  size_t i, j;
  if (sim == HFY_SIM_EUCLIDEAN) pairs = simd->euclidean;
#ifdef HFY_SIM_BLAS_
  if (pairs != simd->dot || q->count < HFY_SIM_BLAS_ || !hfy_sim_blas_(q, x, dim, 1, out, out_stride))
#endif
    pairs(x->at, x->stride, x->count, q->at, q->stride, q->count, dim, out, out_stride);
  if (sim == HFY_SIM_EUCLIDEAN) beta *= -0.5;
  if (sim == HFY_SIM_MANHATTAN) beta = -beta;
  for (j = 0; j < q->count; j++) {
    hfy_real *s = out + j * out_stride;
    if (sim != HFY_SIM_COSINE) {
      simd->scale_once(s, x->count, beta);
      continue;
    }
    for (i = 0; i < x->count; i++) {
      double inverse = q->inverse[j] * x->inverse[i];
      s[i] = inverse > 4 / HFY_REAL_MAX_ && inverse < HFY_REAL_EPS_ / HFY_REAL_MIN_
                 ? (hfy_real)(beta * (inverse * (double)s[i]))
                 : (hfy_real)(beta * hfy_sim_cosine_(x->at + i * x->stride, x->inverse[i], q->at + j * q->stride,
                                                     q->inverse[j], dim));
    }
  }
}

/* --- bounds of scores   (math 13.1, 13.2) --- */

/* theta of a dot, as hfy_sim_tile_ and a bias make it: monotone in the dot. */
HFY_PRIVATE_ hfy_real hfy_sim_theta_(double beta, double dot, const hfy_real *bias, size_t i) {
  hfy_real theta = (hfy_real)(beta * dot);
  if (!bias) return theta;
  return hfy_base_is_neg_inf_((double)bias[i]) ? bias[i] : theta + bias[i];
}

/* Can a row with this theta (or one below) get weight while the best, or kth best, is at least top? */
HFY_PRIVATE_ int hfy_sim_matters_(double top, double margin, double theta) {
  double d = top - theta;
  return d < margin || !(d > 0);
}

/* A float not below x >= 0. */
HFY_PRIVATE_ float hfy_sim_up_(double x) { return (float)((x + 1e-36) * (1 + 3e-7)); }

/* An upper bound of the square root of a sum of n squares that was added up in double. */
HFY_PRIVATE_ double hfy_sim_norm_(double squares, size_t n) {
  return sqrt(squares) * (1 + ((double)n + 8) * DBL_EPSILON);
}

/* |canonical dot - x.q| <= this |x||q| (but for underflow), however a block of 2048 is added up, fused or not. */
HFY_PRIVATE_ double hfy_sim_slack_(size_t dim) {
  double additions = (double)hfy_base_min_(dim, 2048) + 16;
  return 0.51 * additions * HFY_REAL_EPS_ + ((double)dim / 2048 + 4) * DBL_EPSILON;
}

HFY_COLD_ hfy_status hfy_sim_check_(hfy_sim sim, double beta, const hfy_sim_rows_ *x, const hfy_sim_rows_ *q,
                                    size_t dim, const hfy_real *scores, hfy_work *w) {
  if ((unsigned)sim > HFY_SIM_MANHATTAN)
    return hfy_base_fail_(w, HFY_ERR_ARG, "sim is %z; it should be one of hfy_sim", (size_t)sim);
  if (!hfy_base_is_finite_(beta)) return hfy_base_should_(w, "", "beta", beta, "finite");
  if (!x->count || !dim)
    return hfy_base_fail_(w, HFY_ERR_ARG, "count is %z and dim %z; both should be at least 1", x->count, dim);
  if (x->stride < dim)
    return hfy_base_fail_(w, HFY_ERR_ARG, "key_stride is %z; it should be 0 or at least dim, %z", x->stride, dim);
  if (!hfy_base_fits_(x->count, x->stride, sizeof *scores) ||
      !hfy_base_fits_(q->count, x->count > dim ? x->count : dim, sizeof *scores))
    return hfy_base_fail_(w, HFY_ERR_ARG, "count %z, dim %z, n_queries %z: an array of that size cannot exist",
                          x->count, dim, q->count);
  return hfy_base_null_(w, !x->at ? "keys" : !q->count || (q->at && scores) ? NULL : !q->at ? "queries" : "scores");
}

HFY_API HFY_SMALL_ hfy_status hfy_sim_scores(hfy_sim sim, double beta, const hfy_real *keys, size_t count, size_t dim,
                                             size_t key_stride, const hfy_real *queries, size_t n_queries,
                                             hfy_real *scores, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  const hfy_simd_ *simd = hfy_simd_choose_(w);
  hfy_sim_rows_ x = {keys, key_stride ? key_stride : dim, count, NULL}, q = {queries, dim, n_queries, NULL};
  double *inverse = NULL;
  hfy_status status = simd ? hfy_sim_check_(sim, beta, &x, &q, dim, scores, w) : HFY_ERR_UNSUPPORTED;
  while (hfy_base_layout_(&arena, w, &status))
    inverse = HFY_TAKE_(&arena, double, sim == HFY_SIM_COSINE ? hfy_base_plus_(count, n_queries) : 0);
  if (!status && sim == HFY_SIM_COSINE) {
    hfy_sim_inverse_norms_(simd, keys, x.stride, count, dim, inverse);
    hfy_sim_inverse_norms_(simd, queries, dim, n_queries, dim, inverse + count);
    x.inverse = inverse;
    q.inverse = inverse + count;
  }
  if (!status) hfy_sim_tile_(simd, sim, beta, &x, &q, dim, scores, count);
  return hfy_base_close_(w, &local, status);
}

#endif /* HFY_HAS_SIM_ */

#ifdef HFY_HAS_INDEX_
/* ------------------------------------------------------------------------------------------------------------------
   >>index.impl   a prepared memory: which few keys a query must be compared with
   May call: base, simd, linalg, sim.
   How: every key x is held as x^ = scale * int8. For a query q ~ q^ = step * int, and any row m (the mean of the keys),
       x.q = x^.q^ + m.(q - q^) + rest,   |rest| <= |x - x^| |q| + |x^ - m| |q - q^|,
   so one whole-number dot bounds a score. In front of the rows may stand a prefix: coefficients of x - v m in a few
   directions B, as int8 c^, with y ~ B (q - a m) and q' = q - a m - B^T y:
       x.q = v m.q + c^.y + rest,   |rest| <= |c - c^||y| + |c^||B q'| + |x - v m - B^T c^||q'| + |a||(x - v m).m|.
   B need not be orthonormal. Bounds become upper bounds of theta by the very expression that makes theta of a dot,
   which is monotone. What they cannot rule out, by the separation's own comparison, >>net.fast scores by the canonical
   dot: so the candidates are those of the full scan, to the bit.
   Numerics: every slack is proved in docs/math.md 13. Keys and queries are scaled by powers of two to a largest element
   in [1/2, 1), so that nothing overflows; row constants are floats rounded up; bounds are added up in double.
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_INDEX_FORMAT_ (UINT64_C(0x4846594958000100) + sizeof(hfy_real))
#define HFY_INDEX_TINY_ 8.271806125530277e-25 /* 2^-80: what underflow can add to a prefix's norms, with room */
#define HFY_INDEX_SPEC_ 0.001953125           /* 2^-9: share of |c^| that stands for |B q'| / |y| */
enum {
  HFY_INDEX_CHUNK_ = 256,  /* rows whose dots are made at a time */
  HFY_INDEX_SHARE_ = 2048, /* rows for each of which one worker more is asked to help */
  HFY_INDEX_FEW_ = 8,      /* best bounds of a query of a batch that are kept */
  HFY_INDEX_BATCH_ = 16,   /* queries from which on they share a pass in tiles */
  HFY_INDEX_LIST_ = 2048,  /* candidates of a query of a batch */
  HFY_INDEX_BUILD_ = 64,   /* rows of a step of the build */
  HFY_INDEX_SAMPLES_ = 16, /* rows looked at to recognise the keys */
  HFY_INDEX_ROUNDS_ = 4    /* of the block power iteration */
};

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

HFY_COLD_ void hfy_index_layout_(hfy_base_arena_ *arena, size_t count, size_t dim, size_t prefix, hfy_index_view_ *v) {
  size_t n = hfy_base_plus_(count, 8);
  v->rows = HFY_TAKE_(arena, signed char, hfy_base_plus_(hfy_base_times_(count, dim), HFY_SIMD_PAD_));
  v->scale = HFY_TAKE_(arena, float, n);
  v->error = HFY_TAKE_(arena, float, n);
  v->spread = HFY_TAKE_(arena, float, n);
  v->sum = HFY_TAKE_(arena, int32_t, n);
  v->mean = HFY_TAKE_(arena, float, dim);
  if (!prefix) return;
  v->coef = HFY_TAKE_(arena, signed char, hfy_base_plus_(hfy_base_times_(count, prefix), HFY_SIMD_PAD_));
  v->c_scale = HFY_TAKE_(arena, float, n);
  v->c_mean = HFY_TAKE_(arena, float, n);
  v->c_error = HFY_TAKE_(arena, float, n);
  v->c_rest = HFY_TAKE_(arena, float, n);
  v->c_sum = HFY_TAKE_(arena, int32_t, n);
  v->basis = HFY_TAKE_(arena, hfy_real, hfy_base_times_(prefix, dim));
}

/* --- numbers --- */

/* 2^e as two factors: multiplying by one and then the other neither overflows nor rounds where the product does not. */
typedef struct hfy_index_power_ {
  double a, b;
} hfy_index_power_;

HFY_COLD_ hfy_index_power_ hfy_index_power_of_(int e) {
  hfy_index_power_ p = {ldexp(1.0, e / 2), ldexp(1.0, e - e / 2)};
  return p;
}

/* The largest of n numbers in size; infinity if one of them is not finite. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_index_largest_(const hfy_real *x, size_t n) {
  double largest = 0;
  int bad = 0;
  for (; n; n--, x++) {
    double v = fabs((double)*x);
    bad |= !hfy_base_is_finite_(v);
    largest = v > largest ? v : largest;
  }
  return bad ? HUGE_VAL : largest;
}

/* sum + x.y in double, in order. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_index_dot_(double sum, const hfy_real *x, const hfy_real *y, size_t n) {
  size_t d;
  for (d = 0; d < n; d++) sum += (double)x[d] * (double)y[d];
  return sum;
}

HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_index_square_(const double *x, size_t n) {
  double sum = 0;
  size_t d;
  for (d = 0; d < n; d++) sum += x[d] * x[d];
  return sum;
}

/* x ~ step * whole numbers, at most `levels` in size. Returns step; 0: all too small. With `bytes` (127 levels) they go
   there too, their sum into *sum, and step is rounded to float. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_index_quantise_(const double *x, size_t n, double levels, int16_t *whole,
                                                           signed char *bytes, int32_t *sum) {
  double largest = 0, step, inverse;
  int32_t total = 0;
  size_t d;
  for (d = 0; d < n; d++) largest = fabs(x[d]) > largest ? fabs(x[d]) : largest;
  step = largest > 1e-30 ? largest / levels : 0;
  if (bytes) step = (double)(float)step;
  inverse = step > 0 ? 1 / step : 0;
  for (d = 0; d < n; d++) {
    double t = x[d] * inverse, k = (double)(int)(t < 0 ? t - 0.5 : t + 0.5);
    whole[d] = (int16_t)(k > levels ? levels : k < -levels ? -levels : k);
  }
  for (d = 0; bytes && d < n; d++) {
    bytes[d] = (signed char)whole[d];
    total += whole[d];
  }
  if (bytes) *sum = total;
  return step;
}

/* --- fingerprints --- */

/* SplitMix64 without its step. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ uint64_t hfy_index_mix_(uint64_t z) {
  hfy_rng rng = hfy_rng_seed(z - UINT64_C(0x9E3779B97F4A7C15));
  return hfy_rng_u64(&rng);
}

/* Four lanes of invertible steps: one changed word always changes the result. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ uint64_t hfy_index_hash_(uint64_t seed, const void *data, size_t bytes) {
  const unsigned char *p = (const unsigned char *)data;
  uint64_t lane[4], w;
  size_t l, n;
  for (l = 0; l < 4; l++) lane[l] = hfy_index_mix_(seed + l + 1);
  for (; bytes >= 32; bytes -= 32)
    for (l = 0; l < 4; l++, p += 8) {
      memcpy(&w, p, 8);
      lane[l] = (lane[l] ^ w) * UINT64_C(0x9E3779B97F4A7C15);
      lane[l] ^= lane[l] >> 29;
    }
  for (l = 0; bytes; l++, p += n, bytes -= n) {
    n = hfy_base_min_(bytes, 8);
    w = 0;
    memcpy(&w, p, n);
    lane[l] = hfy_index_mix_((lane[l] ^ w) * UINT64_C(0x9E3779B97F4A7C15));
  }
  for (l = 0; l < 4; l++) seed = hfy_index_mix_((seed + 1) * 5 ^ lane[l]);
  return seed;
}

/* Of `rows` rows at most, first and last among them. */
HFY_COLD_ uint64_t hfy_index_hash_rows_(size_t rows, const hfy_real *keys, size_t count, size_t dim, size_t stride) {
  uint64_t h = hfy_index_mix_(count) ^ dim, i, n = hfy_base_min_(count, rows);
  for (i = 0; i < n; i++)
    h = hfy_index_hash_(h, keys + (n > 1 ? (size_t)(i * (count - 1) / (n - 1)) : 0) * stride, dim * sizeof *keys);
  return h;
}

HFY_COLD_ uint64_t hfy_index_seal_(const hfy_index *x) {
  const uint64_t member[14] = {x->bytes, x->count, x->dim, x->prefix, hfy_base_bits_(x->residual),
                               hfy_base_bits_(x->error), x->format, x->fingerprint, x->sampled,
                               hfy_base_bits_(x->mean_norm), hfy_base_bits_(x->basis_norm),
                               hfy_base_bits_(x->largest), (uint64_t)(int64_t)x->exponent, 0};
  return hfy_index_hash_(hfy_index_hash_(0, member, sizeof member), x->data, x->bytes);
}

/* Is this an index of such keys? Shape and a few rows. */
HFY_COLD_ hfy_status hfy_index_matches_(const hfy_index *index, const hfy_real *keys, size_t count, size_t dim,
                                        size_t stride, hfy_work *work) {
  if (!index->data || index->format != HFY_INDEX_FORMAT_)
    return hfy_base_fail_(work, HFY_ERR_ARG, "index was not built by hfy_index_build of this version and precision");
  if (index->count != count || index->dim != dim)
    return hfy_base_fail_(work, HFY_ERR_ARG, "index is of %z keys of dim %z; these are %z of dim %z", index->count,
                          index->dim, count, dim);
  if (index->sampled != hfy_index_hash_rows_(HFY_INDEX_SAMPLES_, keys, count, dim, stride))
    return hfy_base_fail_(work, HFY_ERR_ARG, "index is of other keys, or they have changed since: build it again");
  return HFY_OK;
}

/* --- sizes --- */

/* The most directions that options allow; SIZE_MAX: no index of that size. */
HFY_COLD_ size_t hfy_index_prefix_(size_t count, size_t dim, const hfy_index_options *options) {
  size_t want = options ? options->prefix : 0;
  if (!count || !dim || dim > ((size_t)1 << 24) || (uint64_t)count > UINT32_MAX) return SIZE_MAX;
  if (want == SIZE_MAX) return 0;
  if (want) return want <= dim ? want : SIZE_MAX;
  return dim < 128 || count < 1024 ? 0 : hfy_base_min_(128, dim / 4 / 32 * 32);
}

HFY_API HFY_SMALL_ size_t hfy_index_size(size_t count, size_t dim, const hfy_index_options *options) {
  hfy_base_arena_ arena = {NULL, 0, 0};
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
  hfy_index *index;      /* what is made */
  hfy_index_view_ view;  /* and its arrays */
  hfy_index_power_ unit; /* a key's element times this lies within [-1, 1] */
  double mean_square;    /* of view.mean */
  double *norm, *sorted; /* samples */
  double *wide, *total;  /* dim: one key; a sum of them */
  int16_t *whole;        /* dim: the same in whole numbers */
  double *directions;    /* prefix x dim */
  hfy_real *block, *next; /* prefix x dim: the directions, rounded; those of the next round */
  hfy_real *tile, *coef;  /* BUILD x dim, BUILD x prefix */
  double *energy;         /* prefix */
} hfy_index_build_;

HFY_COLD_ void hfy_index_plan_build_(hfy_base_arena_ *arena, hfy_index_build_ *b) {
  size_t r = b->prefix, all = hfy_base_times_(r, b->dim);
  b->norm = HFY_TAKE_(arena, double, b->samples);
  b->sorted = HFY_TAKE_(arena, double, b->samples);
  b->wide = HFY_TAKE_(arena, double, b->dim);
  b->total = HFY_TAKE_(arena, double, b->dim);
  b->whole = HFY_TAKE_(arena, int16_t, b->dim);
  b->directions = HFY_TAKE_(arena, double, all);
  b->block = HFY_TAKE_(arena, hfy_real, all);
  b->next = HFY_TAKE_(arena, hfy_real, all);
  b->tile = HFY_TAKE_(arena, hfy_real, r ? hfy_base_times_(HFY_INDEX_BUILD_, b->dim) : 0);
  b->coef = HFY_TAKE_(arena, hfy_real, hfy_base_times_(HFY_INDEX_BUILD_, r));
  b->energy = HFY_TAKE_(arena, double, r);
}

/* Row i of the keys, scaled, into b->wide. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_index_widen_(const hfy_index_build_ *b, size_t i) {
  const hfy_real *x = b->keys + i * b->stride;
  size_t d;
  for (d = 0; d < b->dim; d++) b->wide[d] = (double)x[d] * b->unit.a * b->unit.b;
}

/* The t-th sampled row. */
HFY_PRIVATE_ size_t hfy_index_sampled_(const hfy_index_build_ *b, size_t t) {
  return (size_t)((uint64_t)t * b->count / b->samples);
}

/* The mean of the sampled rows, those far longer than most (norm -1 from here on) left out: any row would do. */
HFY_COLD_ void hfy_index_mean_(hfy_index_build_ *b) {
  size_t t, d, used = 0;
  double typical;
  for (t = 0; t < b->samples; t++) {
    hfy_index_widen_(b, hfy_index_sampled_(b, t));
    b->norm[t] = b->sorted[t] = sqrt(hfy_index_square_(b->wide, b->dim));
  }
  typical = hfy_base_kth_largest_(b->sorted, b->samples, (b->samples + 1) / 2);
  for (d = 0; d < b->dim; d++) b->total[d] = 0;
  for (t = 0; t < b->samples; t++) {
    if (b->norm[t] > 4 * typical) {
      b->norm[t] = -1;
      continue;
    }
    used++;
    hfy_index_widen_(b, hfy_index_sampled_(b, t));
    hfy_linalg_axpy_(1, b->wide, b->total, b->dim);
  }
  for (d = 0; d < b->dim; d++) {
    float mean = (float)(b->total[d] / (double)used);
    if (fabs((double)mean) < 1e-18) mean = 0;
    b->mean_square += (double)mean * (double)mean;
    b->view.mean[d] = mean;
  }
  b->index->mean_norm = hfy_sim_norm_(b->mean_square, b->dim);
}

/* Row i in int8 with its bounds. Returns its squared distance from the key; *norm is at least the key's. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_index_put_row_(const hfy_index_build_ *b, size_t i, double *norm) {
  size_t d, dim = b->dim;
  double scale, squares = 0, error = 0, away = 0, distance;
  hfy_index_widen_(b, i);
  scale = hfy_index_quantise_(b->wide, dim, 127, b->whole, b->view.rows + i * dim, b->view.sum + i);
  for (d = 0; d < dim; d++) {
    double v = b->wide[d], w = scale * (double)b->whole[d], m = (double)b->view.mean[d];
    squares += v * v;
    error += (v - w) * (v - w);
    away += (w - m) * (w - m);
  }
  *norm = hfy_sim_norm_(squares, dim);
  distance = hfy_sim_norm_(error, dim);
  b->view.scale[i] = (float)scale;
  b->view.error[i] = hfy_sim_up_(distance + hfy_sim_slack_(dim) * *norm + 1.2e-13 * (*norm + distance));
  b->view.spread[i] = hfy_sim_up_(hfy_sim_norm_(away, dim));
  return error;
}

/* x - v m of row i, rounded to hfy_real, and v; returns x.m. Leaves x in b->wide. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_index_deflate_(const hfy_index_build_ *b, size_t i, float *v, hfy_real *y) {
  const float *mean = b->view.mean;
  double along = 0;
  size_t d;
  hfy_index_widen_(b, i);
  for (d = 0; d < b->dim; d++) along += b->wide[d] * (double)mean[d];
  *v = b->mean_square > 0 ? (float)(along / b->mean_square) : 0;
  for (d = 0; d < b->dim; d++) y[d] = (hfy_real)(b->wide[d] - (double)*v * (double)mean[d]);
  return along;
}

/* Orthonormal directions and, rounded, block from the rows of next: Gram and Schmidt twice; dependent ones become 0. */
HFY_COLD_ void hfy_index_orthonormal_(hfy_index_build_ *b) {
  size_t i, j, d, n = b->dim;
  for (i = 0; i < b->prefix; i++) {
    double *v = b->directions + i * n, before, scale;
    for (d = 0; d < n; d++) v[d] = (double)b->next[i * n + d];
    before = hfy_linalg_dot_(v, v, n);
    for (j = 0; j < 2 * i; j++) {
      const double *u = b->directions + j % i * n;
      hfy_linalg_axpy_(-hfy_linalg_dot_(u, v, n), u, v, n);
    }
    scale = hfy_linalg_dot_(v, v, n);
    scale = scale > 1e-10 * before && scale > 1e-40 ? 1 / sqrt(scale) : 0;
    for (d = 0; d < n; d++) {
      v[d] *= scale;
      b->block[i * n + d] = (hfy_real)v[d];
    }
  }
}

/* Principal directions of the sampled rows, their mean direction apart, into b->block: block power iteration with
   C = sum x x^T, never formed. The sum of squares along each goes to b->energy; returns that of the rows. */
HFY_COLD_ double hfy_index_directions_(hfy_index_build_ *b) {
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
        hfy_index_deflate_(b, hfy_index_sampled_(b, t), &v, b->tile + n++ * dim);
      }
      if (!n) continue;
      if (first)
        for (i = 0; i < r * HFY_INDEX_BUILD_; i++) b->coef[i] = (hfy_real)hfy_rng_sign(&rng);
      else /* coef[i*BUILD + t] = <row t, direction i> */
        b->simd->dot(b->tile, dim, n, b->block, dim, r, dim, b->coef, HFY_INDEX_BUILD_);
      if (last) {
        total = hfy_index_dot_(total, b->tile, b->tile, n * dim);
        for (i = 0; i < r; i++) {
          const hfy_real *c = b->coef + i * HFY_INDEX_BUILD_;
          b->energy[i] = hfy_index_dot_(b->energy[i], c, c, n);
        }
      } else {
        b->simd->combine(b->coef, HFY_INDEX_BUILD_, r, b->tile, dim, n, dim, b->next, dim);
      }
    }
  }
  return total;
}

/* How many of the directions, best first, pay: the fewest that leave a quarter of the rows' norm, all of them if they
   leave at most half, else none. Puts the best first. */
HFY_COLD_ size_t hfy_index_choose_(hfy_index_build_ *b, double total, int forced) {
  size_t i, j, dim = b->dim, r = b->prefix, choice = r;
  double left = total, *residual = &b->index->residual;
  for (i = 0; i < r; i++) { /* selection sort: as many swaps as directions */
    size_t best = i;
    for (j = i + 1; j < r; j++)
      if (b->energy[j] > b->energy[best]) best = j;
    if (best == i) continue;
    hfy_base_swap_(b->energy + i, b->energy + best, sizeof *b->energy);
    hfy_base_swap_(b->block + i * dim, b->block + best * dim, dim * sizeof *b->block);
  }
  for (i = 0; i < choice; i++) {
    left -= b->energy[i];
    if (!forced && (i + 1) % 32 == 0 && left <= total / 16) choice = i + 1;
  }
  *residual = total > 0 && left > 0 ? sqrt(left / total) : 0;
  if (!forced && (!(total > 0) || *residual > 0.5)) choice = 0;
  if (!choice) *residual = 1;
  return choice;
}

/* The coefficients of one key into row `at` of the prefix: c turns into what is to be subtracted from y. norm: |x|,
   start: |y|, along: x.m. Returns what rounding may add to the rest (docs/math.md 13.4: A, P, H). */
HFY_COLD_ double hfy_index_put_coefficients_(const hfy_index_build_ *b, size_t at, double along, double start,
                                             double norm, hfy_real *c) {
  size_t k, r = b->index->prefix;
  double gamma = hfy_sim_slack_(b->dim), frobenius = b->index->basis_norm * sqrt((double)r) * (1 + 1e-12);
  double m = b->index->mean_norm, v = (double)b->view.c_mean[at], all = norm + fabs(v) * m;
  double tilt = fabs(along - v * b->mean_square) + 2 * ((double)b->dim + 8) * DBL_EPSILON * all * m;
  double moved = HFY_REAL_EPS_ * all, error = 0, size = 0, scale;
  for (k = 0; k < r; k++) b->wide[k] = (double)c[k];
  scale = hfy_index_quantise_(b->wide, r, 127, b->whole, b->view.coef + at * r, b->view.c_sum + at);
  for (k = 0; k < r; k++) {
    double part = scale * b->whole[k];
    error += (b->wide[k] - part) * (b->wide[k] - part);
    size += part * part;
    c[k] = (hfy_real)-part;
  }
  b->view.c_scale[at] = (float)scale;
  size = hfy_sim_norm_(size, r);
  error = hfy_sim_norm_(error, r);
  error += frobenius * (gamma * start + moved) + HFY_INDEX_SPEC_ * size + 16 * (gamma + 9.6e-7) * all;
  if (m > 0) error += 17 * tilt / m;
  b->view.c_error[at] = hfy_sim_up_(error + HFY_INDEX_TINY_);
  return moved + (2 * (double)r + 4) * HFY_REAL_EPS_ * (start + size * frobenius) + HFY_INDEX_TINY_;
}

/* The prefix of all keys in the directions of view.basis. */
HFY_COLD_ void hfy_index_fill_prefix_(hfy_index_build_ *b) {
  const hfy_index_view_ *view = &b->view;
  size_t from, n, t, dim = b->dim, r = b->index->prefix;
  double norm[HFY_INDEX_BUILD_], along[HFY_INDEX_BUILD_], start[HFY_INDEX_BUILD_];
  for (from = 0; from < b->count; from += n) {
    n = hfy_base_min_(HFY_INDEX_BUILD_, b->count - from);
    for (t = 0; t < n; t++) {
      hfy_real *y = b->tile + t * dim;
      along[t] = hfy_index_deflate_(b, from + t, view->c_mean + from + t, y);
      norm[t] = hfy_sim_norm_(hfy_index_square_(b->wide, dim), dim);
      start[t] = hfy_sim_norm_(hfy_index_dot_(0, y, y, dim), dim);
    }
    b->simd->dot(view->basis, dim, r, b->tile, dim, n, dim, b->coef, r);
    for (t = 0; t < n; t++)
      norm[t] = hfy_index_put_coefficients_(b, from + t, along[t], start[t], norm[t], b->coef + t * r);
    b->simd->combine(b->coef, r, n, view->basis, dim, r, dim, b->tile, dim);
    for (t = 0; t < n; t++) {
      const hfy_real *y = b->tile + t * dim;
      view->c_rest[from + t] = hfy_sim_up_(hfy_sim_norm_(hfy_index_dot_(0, y, y, dim), dim) + norm[t]);
    }
  }
}

/* An upper bound of the largest singular value of the stored directions: the largest row sum of |B B^T|. */
HFY_COLD_ double hfy_index_basis_norm_(const hfy_real *basis, size_t r, size_t dim) {
  size_t i, j;
  double largest = 0;
  for (i = 0; i < r; i++) {
    double sum = 0;
    for (j = 0; j < r; j++) sum += fabs(hfy_index_dot_(0, basis + i * dim, basis + j * dim, dim));
    largest = sum > largest ? sum : largest;
  }
  return sqrt(largest) * (1 + 1e-8) + 1e-8;
}

/* Rows, bounds and prefix into `place`, which is as large as hfy_index_size says. */
HFY_COLD_ void hfy_index_make_(hfy_index_build_ *b, int forced, hfy_base_arena_ place) {
  hfy_index *made = b->index;
  double squares = 0, errors = 0, norm;
  size_t i;
  hfy_index_layout_(&place, b->count, b->dim, 0, &b->view);
  hfy_index_mean_(b);
  for (i = 0; i < b->count; i++) {
    errors += hfy_index_put_row_(b, i, &norm);
    squares += norm * norm;
    made->largest = norm > made->largest ? norm : made->largest;
  }
  made->error = squares > 0 ? sqrt(errors / squares) : 0;
  made->residual = 1;
  if (b->prefix) made->prefix = hfy_index_choose_(b, hfy_index_directions_(b), forced);
  place.used = 0;
  hfy_index_layout_(&place, b->count, b->dim, made->prefix, &b->view);
  made->bytes = place.used;
  if (!made->prefix) return;
  memcpy(b->view.basis, b->block, made->prefix * b->dim * sizeof *b->block);
  made->basis_norm = hfy_index_basis_norm_(b->view.basis, made->prefix, b->dim);
  hfy_index_fill_prefix_(b);
}

HFY_API HFY_SMALL_ hfy_status hfy_index_build(const hfy_real *keys, size_t count, size_t dim, size_t key_stride,
                                              const hfy_index_options *options, void *memory, size_t bytes,
                                              hfy_index *index, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0}, place = {NULL, 0, 0};
  size_t i, need = hfy_index_size(count, dim, options), stride = key_stride ? key_stride : dim;
  double largest = 0;
  hfy_index made;
  hfy_index_build_ b;
  hfy_status status = hfy_base_null_(w, !keys ? "keys" : !memory ? "memory" : !index ? "index" : NULL);
  memset(&b, 0, sizeof b);
  memset(&made, 0, sizeof made);
  b.simd = hfy_simd_choose_(w);
  if (!b.simd) return HFY_ERR_UNSUPPORTED;
  if (status) return status;
  if (!count || !dim)
    return hfy_base_fail_(w, HFY_ERR_ARG, "count is %z and dim %z; both should be at least 1", count, dim);
  if (options && options->prefix != SIZE_MAX && options->prefix > dim)
    return hfy_base_fail_(w, HFY_ERR_ARG, "options->prefix is %z; it should be at most dim, %z, or SIZE_MAX for none",
                          options->prefix, dim);
  if (stride < dim)
    return hfy_base_fail_(w, HFY_ERR_ARG, "key_stride is %z; it should be 0 or at least dim, %z", stride, dim);
  if (need == SIZE_MAX || !hfy_base_fits_(count, stride, sizeof *keys))
    return hfy_base_fail_(w, HFY_ERR_ARG, "count %z, dim %z: too many for an index", count, dim);
  if (bytes < need) return hfy_base_fail_(w, HFY_ERR_ARG, "bytes is %z; this index needs %z", bytes, need);
  b.index = &made;
  b.keys = keys;
  b.count = made.count = count;
  b.dim = made.dim = dim;
  b.stride = stride;
  b.prefix = hfy_index_prefix_(count, dim, options);
  b.samples = hfy_base_min_(count, options && options->sample ? options->sample : 2048);
  while (hfy_base_layout_(&arena, w, &status)) hfy_index_plan_build_(&arena, &b);
  for (i = 0; i < count && !status; i++) {
    double most = hfy_index_largest_(keys + i * stride, dim);
    if (!hfy_base_is_finite_(most))
      status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "keys: NaN or infinity in row %z; all should be finite", i);
    largest = most > largest ? most : largest;
  }
  if (status) return hfy_base_close_(w, &local, status);
  (void)frexp(largest, &made.exponent);
  b.unit = hfy_index_power_of_(-made.exponent);
  place.base = (unsigned char *)memory + ((64 - (size_t)((uintptr_t)memory & 63)) & 63);
  memset(place.base, 0, need - 63);
  made.data = place.base;
  made.format = HFY_INDEX_FORMAT_;
  made.fingerprint = hfy_index_hash_rows_(SIZE_MAX, keys, count, dim, stride);
  made.sampled = hfy_index_hash_rows_(HFY_INDEX_SAMPLES_, keys, count, dim, stride);
  hfy_index_make_(&b, options && options->prefix, place);
  made.seal = hfy_index_seal_(&made);
  *index = made;
  return hfy_base_close_(w, &local, HFY_OK);
}

HFY_API HFY_SMALL_ hfy_status hfy_index_check(const hfy_index *index, const hfy_real *keys, size_t count, size_t dim,
                                              size_t key_stride, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  size_t stride = key_stride ? key_stride : dim;
  hfy_status status = hfy_base_null_(w, !index ? "index" : !keys ? "keys" : NULL);
  if (!status && stride < dim)
    status = hfy_base_fail_(w, HFY_ERR_ARG, "key_stride is %z; it should be 0 or at least dim, %z", key_stride, dim);
  if (!status) status = hfy_index_matches_(index, keys, count, dim, stride, w);
  if (!status && index->fingerprint != hfy_index_hash_rows_(SIZE_MAX, keys, count, dim, stride))
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
  size_t workers; /* that share one query's search */
  double beta;    /* > 0 */
  double width;   /* >= 0: how far below the kth best theta a candidate may lie */
  size_t kth;     /* >= 1 */
} hfy_index_seek_;

/* A query of a batch while the tiles pass. */
typedef struct hfy_index_one_ {
  hfy_simd_bound_ bound;
  double about;  /* the bound's slack that is not in row constants */
  double middle; /* the bound's shift without it */
  hfy_index_power_ unit;
  double top;                  /* the kth best lower bound of theta */
  double best[HFY_INDEX_FEW_]; /* the best of them, descending */
  const hfy_real *q, *bias;    /* the caller's: its state, its bias or NULL */
  size_t visible;              /* and how many rows it sees */
  size_t count;                /* of its list; SIZE_MAX: to be sought alone */
  uint32_t listed[HFY_INDEX_LIST_]; /* rows, ascending */
  hfy_real above[HFY_INDEX_LIST_];  /* their upper bounds */
} hfy_index_one_;

/* What the searches of one tile work in. */
typedef struct hfy_index_scratch_ {
  double *q;                 /* dim: the query, scaled */
  int16_t *whole;            /* dim, padded */
  unsigned char *high, *low; /* dim, padded */
  int exponent;              /* q is divided by 2^exponent */
  double norm, about;        /* |q|; what underflow can add */
  double *dots;              /* workers x CHUNK */
  hfy_real *off, *y;         /* dim, prefix: the query beside the directions and along them */
  double *wide;              /* prefix: y again */
  /* batches */
  int32_t *panel; /* the queries of a batch in groups */
  void *tile;     /* packed rows */
  int32_t *out;   /* GROUP x TILE */
  hfy_index_one_ *one;
} hfy_index_scratch_;

/* Elements of a query with the zeros behind it. */
HFY_PRIVATE_ size_t hfy_index_padded_(size_t n) { return (n + 2 * HFY_SIMD_PAD_ - 1) / HFY_SIMD_PAD_ * HFY_SIMD_PAD_; }

/* Do nq queries share a scan? Else they are better sought alone. */
HFY_PRIVATE_ int hfy_index_shares_(const hfy_index_seek_ *seek, size_t nq) {
  return nq >= HFY_INDEX_BATCH_ && seek->kth <= HFY_INDEX_FEW_ && seek->index->dim <= HFY_SIMD_SEGMENT_;
}

/* nq: queries of a scan at most; one of them takes 16 KiB (24) and 2 dim bytes. */
HFY_COLD_ void hfy_index_plan_(hfy_base_arena_ *arena, const hfy_index_seek_ *seek, size_t nq, hfy_index_scratch_ *s) {
  size_t dim = seek->index->dim, prefix = seek->index->prefix, padded = hfy_index_padded_(dim);
  size_t groups = hfy_index_shares_(seek, nq) ? (nq + HFY_SIMD_GROUP_ - 1) / HFY_SIMD_GROUP_ : 0;
  size_t shared = groups * HFY_SIMD_GROUP_;
  memset(s, 0, sizeof *s);
  s->q = HFY_TAKE_(arena, double, dim);
  s->whole = HFY_TAKE_(arena, int16_t, padded);
  s->high = HFY_TAKE_(arena, unsigned char, padded);
  s->low = HFY_TAKE_(arena, unsigned char, padded);
  s->dots = HFY_TAKE_(arena, double, hfy_base_times_(seek->workers, HFY_INDEX_CHUNK_));
  s->off = HFY_TAKE_(arena, hfy_real, prefix ? dim : 0);
  s->y = HFY_TAKE_(arena, hfy_real, prefix);
  s->wide = HFY_TAKE_(arena, double, prefix);
  s->panel = HFY_TAKE_(arena, int32_t, hfy_base_times_(shared, padded / 2));
  s->tile = hfy_base_take_(arena, shared ? padded : 0, HFY_SIMD_TILE_ * 2);
  s->out = HFY_TAKE_(arena, int32_t, shared ? HFY_SIMD_GROUP_ * HFY_SIMD_TILE_ : 0);
  s->one = HFY_TAKE_(arena, hfy_index_one_, shared);
}

/* Starts searches over keys with an index of theirs. beta, width, kth and workers are the caller's to set. */
HFY_COLD_ hfy_status hfy_index_begin_(const hfy_index *index, const hfy_simd_ *simd, const hfy_real *keys,
                                      size_t count, size_t dim, size_t key_stride, hfy_index_seek_ *seek,
                                      hfy_work *work) {
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_status status = hfy_index_matches_(index, keys, count, dim, key_stride, work);
  if (status) return status;
  memset(seek, 0, sizeof *seek);
  arena.base = (unsigned char *)index->data;
  hfy_index_layout_(&arena, count, dim, index->prefix, &seek->view);
  seek->index = index;
  seek->simd = simd;
  seek->int8 = hfy_simd_int8_of_(simd->isa);
  return HFY_OK;
}

/* The query times 2^-exponent into s->q, its largest element then in [1/2, 1). 0: it is not finite, the canonical dot
   might leave its range for some row, or its underflow would be of weight. */
HFY_COLD_ int hfy_index_aim_(const hfy_index_seek_ *seek, const hfy_real *q, hfy_index_scratch_ *s) {
  size_t d, dim = seek->index->dim;
  double largest = hfy_index_largest_(q, dim);
  hfy_index_power_ unit;
  int both;
  if (!hfy_base_is_finite_(largest)) return 0;
  (void)frexp(largest, &s->exponent);
  unit = hfy_index_power_of_(-s->exponent);
  for (d = 0; d < dim; d++) s->q[d] = (double)q[d] * unit.a * unit.b;
  s->norm = hfy_sim_norm_(hfy_index_square_(s->q, dim), dim);
  both = seek->index->exponent + s->exponent;
  s->about = ldexp(4 * ((double)dim + 64) * HFY_REAL_MIN_, -both);
  return ldexp(seek->index->largest * s->norm, both) <= HFY_REAL_MAX_ / 4 && s->about < 1e9;
}

/* The most steps on either side of 0 whose dots fit in 32 bits. */
HFY_PRIVATE_ double hfy_index_levels_(const hfy_simd_int8_ *int8, size_t dim) {
  double most = floor(2147483647.0 / (128.0 * (double)hfy_base_min_(dim, HFY_SIMD_SEGMENT_)));
  return int8->planes || most > 32767 ? 32767 : most;
}

/* For q^ = step * s->whole: middle = m.(q - q^), how far that may be off (about), and rest >= |q - q^|. */
HFY_COLD_ void hfy_index_rest_(const hfy_index_seek_ *seek, double step, const hfy_index_scratch_ *s, double *middle,
                               double *about, double *rest) {
  size_t d, dim = seek->index->dim;
  double squares = 0, along = 0, m = seek->index->mean_norm;
  for (d = 0; d < dim; d++) {
    double r = s->q[d] - step * (double)s->whole[d];
    squares += r * r;
    along += (double)seek->view.mean[d] * r;
  }
  *rest = hfy_sim_norm_(squares, dim) + 8 * DBL_EPSILON * s->norm;
  *middle = along;
  *about = m * (8 * DBL_EPSILON * s->norm + ((double)dim + 8) * DBL_EPSILON * *rest);
  *rest *= 1 + 1e-13;
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

/* Begins one for v ~ step * whole numbers (n of them, as many as a row has). */
HFY_COLD_ void hfy_index_begin_level_(const hfy_index_seek_ *seek, const double *v, size_t n, hfy_index_scratch_ *s,
                                      hfy_index_level_ *l) {
  size_t d, behind = hfy_index_padded_(n) - n;
  memset(l, 0, sizeof *l);
  l->step = hfy_index_quantise_(v, n, hfy_index_levels_(seek->int8, n), s->whole, NULL, NULL);
  for (d = 0; d < n; d++) { /* the planes of kernels that have them */
    s->high[d] = (unsigned char)((unsigned)(s->whole[d] + 32768) >> 8);
    s->low[d] = (unsigned char)((unsigned)(s->whole[d] + 32768) & 255);
  }
  memset(s->whole + n, 0, behind * sizeof *s->whole);
  memset(s->high + n, 0, behind);
  memset(s->low + n, 0, behind);
  l->q.dim = l->stride = n;
  l->q.whole = s->whole;
  l->q.high = s->high;
  l->q.low = s->low;
  l->planes = seek->int8->planes ? 32768 : 0;
  l->unit = hfy_index_power_of_(seek->index->exponent + s->exponent);
}

/* One search's upper bounds, shared among workers: each takes a span of the rows, or of a list of them. */
typedef struct hfy_index_spans_ {
  const hfy_index_seek_ *seek;
  const hfy_index_level_ *level;
  const hfy_real *bias;
  const size_t *list;
  size_t n, span;
  hfy_real *upper;
  double *dots;
} hfy_index_spans_;

HFY_PRIVATE_ void hfy_index_span_(void *context, size_t task) {
  const hfy_index_spans_ *t = (const hfy_index_spans_ *)context;
  const hfy_index_level_ *l = t->level;
  size_t from = task * t->span, end = hfy_base_min_(from + t->span, t->n), i, now;
  double *dots = t->dots + task * HFY_INDEX_CHUNK_;
  for (; from < end; from += now) {
    now = hfy_base_min_(HFY_INDEX_CHUNK_, end - from);
    t->seek->int8->dot(t->list ? l->rows : l->rows + from * l->stride, l->stride, t->list ? t->list + from : NULL,
                       now, &l->q, dots);
    for (i = 0; i < now; i++) {
      size_t row = t->list ? t->list[from + i] : from + i;
      double up = (dots[i] - l->planes * (double)l->sum[row]) * (double)l->scale[row] * l->step +
                  ((double)l->a[row] * l->A + ((double)l->b[row] * l->B + l->shift));
      hfy_real theta;
      if (l->c) up += (double)l->c[row] * l->C;
      theta = hfy_sim_theta_(t->seek->beta, up * l->unit.a * l->unit.b, t->bias, row);
      if (!t->list || theta < t->upper[row]) t->upper[row] = theta;
    }
  }
}

/* Upper bounds of rows 0 .. n-1; or of n listed rows, whose bounds are only lowered. */
HFY_COLD_ void hfy_index_bounds_(const hfy_index_seek_ *seek, const hfy_index_level_ *l, const hfy_real *bias,
                                 const size_t *list, size_t n, hfy_real *upper, hfy_index_scratch_ *s) {
  size_t tasks = hfy_base_min_(seek->workers, n / HFY_INDEX_SHARE_ + 1);
  hfy_index_spans_ t = {seek, l, bias, list, n, (n + tasks - 1) / tasks, upper, s->dots};
  hfy_base_parallel_(tasks, hfy_index_span_, &t);
}

/* The bounds of whole rows for the query aimed at.   (math 13.3) */
HFY_COLD_ void hfy_index_level_rows_(const hfy_index_seek_ *seek, hfy_index_scratch_ *s, hfy_index_level_ *l) {
  double middle, off;
  hfy_index_begin_level_(seek, s->q, seek->index->dim, s, l);
  hfy_index_rest_(seek, l->step, s, &middle, &off, &l->B);
  l->rows = seek->view.rows;
  l->scale = seek->view.scale;
  l->sum = seek->view.sum;
  l->a = seek->view.error;
  l->b = seek->view.spread;
  l->A = s->norm * (1 + 1e-13);
  l->shift = middle + off + s->about;
}

/* Those of the prefix.   (math 13.4) */
HFY_COLD_ void hfy_index_level_prefix_(const hfy_index_seek_ *seek, hfy_index_scratch_ *s, hfy_index_level_ *l) {
  const hfy_index *index = seek->index;
  const hfy_index_view_ *v = &seek->view;
  size_t d, k, dim = index->dim, r = index->prefix;
  double m = index->mean_norm, along = 0, factor, moved, size = 0, rest, leak;
  double frobenius = index->basis_norm * sqrt((double)r) * (1 + 1e-12);
  for (d = 0; d < dim; d++) along += (double)v->mean[d] * s->q[d];
  factor = m > 0 ? along / (m * m) : 0;
  for (d = 0; d < dim; d++) s->off[d] = (hfy_real)(s->q[d] - factor * (double)v->mean[d]);
  seek->simd->dot(v->basis, dim, r, s->off, dim, 1, dim, s->y, r);
  for (k = 0; k < r; k++) s->wide[k] = (double)s->y[k];
  hfy_index_begin_level_(seek, s->wide, r, s, l);
  for (k = 0; k < r; k++) {
    double part = l->step * s->whole[k];
    size += part * part;
    s->y[k] = (hfy_real)-part;
  }
  size = hfy_sim_norm_(size, r);
  moved = 2.1 * HFY_REAL_EPS_ * s->norm + (2 * (double)r + 4) * HFY_REAL_EPS_ * (2.1 * s->norm + size * frobenius) +
          HFY_INDEX_TINY_;
  seek->simd->combine(s->y, r, 1, v->basis, dim, r, dim, s->off, dim);
  rest = hfy_sim_norm_(hfy_index_dot_(0, s->off, s->off, dim), dim);
  seek->simd->dot(v->basis, dim, r, s->off, dim, 1, dim, s->y, r);
  leak = hfy_sim_norm_(hfy_index_dot_(0, s->y, s->y, r), r) + hfy_sim_slack_(dim) * frobenius * rest +
         index->basis_norm * moved + HFY_INDEX_TINY_;
  leak /= HFY_INDEX_SPEC_;
  l->rows = v->coef;
  l->scale = v->c_scale;
  l->sum = v->c_sum;
  l->a = v->c_error;
  l->b = v->c_rest;
  l->c = v->c_mean;
  l->A = size > leak ? size : leak;
  if (s->norm / 16 > l->A) l->A = s->norm / 16;
  l->A *= 1 + 1e-12;
  l->B = (rest + moved) * (1 + 1e-12);
  l->C = along;
  l->shift = s->about;
}

/* --- batches --- */

/* A score below which no theta matters while the kth best is at least top; no bias. Verified: rounding does no harm. */
HFY_COLD_ double hfy_index_least_(const hfy_index_seek_ *seek, const hfy_index_one_ *one) {
  double goal = (one->top - seek->width) / seek->beta,
         slack = 4 * HFY_REAL_EPS_ * (fabs(one->top) + seek->width) / seek->beta;
  int tries;
  if (!hfy_base_is_finite_(goal)) return -HUGE_VAL;
  for (tries = 0; tries < 8; tries++, slack *= 8) {
    double least = (goal - slack) / one->unit.a / one->unit.b;
    double theta = (double)hfy_sim_theta_(seek->beta, least * one->unit.a * one->unit.b, NULL, 0);
    if (hfy_base_is_finite_(least) && !hfy_sim_matters_(one->top, seek->width, theta)) return least;
  }
  return -HUGE_VAL;
}

/* A lower bound of one more row's theta: may raise the bar. */
HFY_COLD_ void hfy_index_raise_(const hfy_index_seek_ *seek, hfy_index_one_ *one, double theta) {
  size_t k = seek->kth, j;
  if (!(theta > one->best[k - 1])) return;
  for (j = k - 1; j && theta > one->best[j - 1]; j--) one->best[j] = one->best[j - 1];
  one->best[j] = theta;
  if (one->best[k - 1] > one->top) {
    one->top = one->best[k - 1];
    if (!one->bias) one->bound.least = hfy_index_least_(seek, one);
  }
}

/* Drops from its list what cannot matter any more. */
HFY_COLD_ void hfy_index_thin_(const hfy_index_seek_ *seek, hfy_index_one_ *one) {
  size_t l, kept = 0;
  for (l = 0; l < one->count; l++) {
    if (!hfy_sim_matters_(one->top, seek->width, (double)one->above[l])) continue;
    one->listed[kept] = one->listed[l];
    one->above[kept++] = one->above[l];
  }
  one->count = kept;
}

/* Takes in the rows of a tile that passed. */
HFY_PRIVATE_ void hfy_index_hits_(const hfy_index_seek_ *seek, hfy_index_one_ *one, uint32_t mask, const int32_t *dots,
                                  size_t row) {
  const hfy_index_view_ *v = &seek->view;
  for (; mask; row++, dots++, mask >>= 1) {
    double middle, reach;
    hfy_real up;
    if (!(mask & 1)) continue;
    middle = (double)(*dots - one->bound.offset) * (double)v->scale[row] * one->bound.scale + one->middle;
    reach = (double)v->error[row] * one->bound.near + (double)v->spread[row] * one->bound.rest + one->about;
    up = hfy_sim_theta_(seek->beta, (middle + reach) * one->unit.a * one->unit.b, one->bias, row);
    if (!hfy_sim_matters_(one->top, seek->width, (double)up) || hfy_base_is_neg_inf_((double)up)) continue;
    if (one->count == HFY_INDEX_LIST_) {
      hfy_index_thin_(seek, one);
      if (one->count > HFY_INDEX_LIST_ / 4 * 3) {
        one->count = SIZE_MAX;
        one->bound.least = HUGE_VAL;
        return;
      }
    }
    one->listed[one->count] = (uint32_t)row;
    one->above[one->count++] = up;
    up = hfy_sim_theta_(seek->beta, (middle - reach) * one->unit.a * one->unit.b, one->bias, row);
    hfy_index_raise_(seek, one, (double)up);
  }
}

/* Makes query j of a batch ready: its words in the panel, its bound. empty: nobody is in its place. */
HFY_COLD_ void hfy_index_enter_(const hfy_index_seek_ *seek, size_t j, int empty, size_t words, hfy_index_scratch_ *s) {
  hfy_index_one_ *one = s->one + j;
  size_t d, dim = seek->index->dim, step = seek->int8->step;
  int32_t *panel = s->panel + j / HFY_SIMD_GROUP_ * HFY_SIMD_GROUP_ * words + j % HFY_SIMD_GROUP_;
  double off;
  int k;
  memset(&one->bound, 0, sizeof one->bound);
  for (d = 0; d < words; d++) panel[d * HFY_SIMD_GROUP_] = 0;
  one->count = SIZE_MAX;
  one->bound.least = HUGE_VAL;
  if (empty || !hfy_index_aim_(seek, one->q, s)) return;
  one->bound.scale = hfy_index_quantise_(s->q, dim, 127, s->whole, NULL, NULL);
  for (d = 0; d < dim; d++) { /* four in a word of the panel, as bytes, or two */
    signed char byte = (signed char)s->whole[d], *word = (signed char *)(panel + d / step * HFY_SIMD_GROUP_);
    memcpy(word + d % step * (4 / step), step == 4 ? (const void *)&byte : s->whole + d, 4 / step);
    one->bound.offset += s->whole[d] * seek->int8->offset;
  }
  hfy_index_rest_(seek, one->bound.scale, s, &one->middle, &off, &one->bound.rest);
  one->count = 0;
  one->about = off + s->about;
  one->bound.shift = one->middle + one->about;
  one->bound.near = s->norm * (1 + 1e-13);
  one->bound.least = -HUGE_VAL;
  one->unit = hfy_index_power_of_(seek->index->exponent + s->exponent);
  one->top = -HUGE_VAL;
  for (k = 0; k < HFY_INDEX_FEW_; k++) one->best[k] = -HUGE_VAL;
}

/* One pass over the rows for nq queries that share it (at most what hfy_index_plan_ was told; q, bias and visible of
   s->one are set): lists the rows that none of them can rule out. */
HFY_PRIVATE_ void hfy_index_scan_(const hfy_index_seek_ *seek, size_t nq, hfy_index_scratch_ *s) {
  const hfy_index_view_ *v = &seek->view;
  const hfy_simd_int8_ *int8 = seek->int8;
  size_t dim = seek->index->dim, words = (dim + int8->step - 1) / int8->step, from, j, l, n, limit = 0;
  for (j = 0; j < nq || j % HFY_SIMD_GROUP_; j++) { /* whole groups */
    hfy_index_enter_(seek, j, j >= nq, words, s);
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
        if (mask) hfy_index_hits_(seek, one, mask, dots, from);
      }
    }
  }
}

/* What the scan listed for query j: rows, ascending, and their upper bounds. Returns how many. */
HFY_COLD_ size_t hfy_index_listed_(const hfy_index_seek_ *seek, size_t j, size_t *index, hfy_real *upper,
                                   const hfy_index_scratch_ *s) {
  hfy_index_one_ *one = s->one + j;
  size_t l;
  hfy_index_thin_(seek, one);
  for (l = 0; l < one->count; l++) {
    index[l] = one->listed[l];
    upper[index[l]] = one->above[l];
  }
  return one->count;
}

#undef HFY_INDEX_FORMAT_
#undef HFY_INDEX_TINY_
#undef HFY_INDEX_SPEC_

#endif /* HFY_HAS_INDEX_ */

#ifdef HFY_HAS_STRUCTURE_
/* ------------------------------------------------------------------------------------------------------------------
   >>structure.impl   MAP oracles, and SparseMAP on top of any of them: an active-set method
   Shapes: unary scores n = unaries, higher-order scores m = higher; an active vertex is a row of `most` bit numbers,
   its unaries first.   May call: base, linalg.
   Numerics: everything in double, and where the number of bits on is fixed in differences from a score that matters
   (hfy_structure_level_). With A the unary bits of the active vertices, one a row, and b their linear scores
   less the largest, the weights on their affine hull solve  A A^T p = b/rho + kappa 1, 1.p = 1.  H = A A^T + 1 1^T is a
   matrix of whole numbers, positive definite if and only if the vertices are affinely independent in u; its Cholesky
   factor is kept, packed by rows: a new vertex appends a row whose pivot tells dependence, a dropped one is rotated
   out. Residuals come from the vertices themselves, so that one step of refinement takes back what the factor has lost.
     p = H^-1 b/rho + kappa H^-1 1,  kappa = (1 - 1.H^-1 b/rho) / (1.H^-1 1)
     gap = max over Y of c.y - c.(u, v),  c = (unary - rho u, higher)   (concavity: value* <= value + gap)
   Every step raises the value strictly and there are finitely many sets of vertices, so none comes twice: ties and
   degenerate vertices cannot make it cycle. The rise is of the order of gap^2, so rounding hides it at a gap of 1e-8
   already: only a long row of hidden ones ends a solve before the gap does.
   ------------------------------------------------------------------------------------------------------------------ */
#if defined(__GNUC__)
#define HFY_STRUCTURE_STEP_ static inline __attribute__((always_inline))
#else
#define HFY_STRUCTURE_STEP_ static
#endif

/* --- the built-in oracles --- */

/* The k best scores, equal ones by index. scratch: n doubles. */
HFY_COLD_ size_t hfy_structure_ksubsets_(const hfy_structure *structure, const double *unary, const double *higher,
                                         size_t *on, void *scratch) {
  size_t k = structure->k;
  double kth = hfy_base_largest_(unary, structure->unaries, k, NULL, on, (double *)scratch);
  (void)higher;
  return hfy_base_is_neg_inf_(kth) ? SIZE_MAX : k;
}

/* Of those the ones above 0. */
HFY_COLD_ size_t hfy_structure_at_most_(const hfy_structure *structure, const double *unary, const double *higher,
                                        size_t *on, void *scratch) {
  size_t i, count = 0;
  (void)higher;
  hfy_base_largest_(unary, structure->unaries, structure->k, NULL, on, (double *)scratch);
  for (i = 0; i < structure->k; i++)
    if (unary[on[i]] > 0) on[count++] = on[i];
  return count;
}

/* Score i joins the best rows so far: off[j], run[j] with j on, the last one off or on. choice[j], 2 bits: where off
   came from, where run. Infinite parts, if `endless`, are counted apart and come before the scores, so that they take
   no digits from them. room: 4 (k+1), off and run and the same of their infinite parts. */
HFY_STRUCTURE_STEP_ void hfy_structure_step_(const hfy_structure *structure, const double *score, const double *part,
                                             size_t i, double *room, unsigned char *choice, int endless) {
  const size_t k = structure->k, ahead = structure->unaries - 1 - i;
  double *off = room, *run = off + k + 1, *off_parts = run + k + 1, *run_parts = off_parts + k + 1;
  size_t j, least = ahead < k ? k - ahead : 1, top = i < k ? i + 1 : k; /* that can end at k */
  double gain = score[i], pair = part[i - 1], off_below = off[least - 1], run_below = run[least - 1];
  double off_parts_below = off_parts[least - 1], run_parts_below = run_parts[least - 1], counts = 0;
  if (endless && !hfy_base_is_finite_(pair)) {
    counts = pair > 0 ? 1 : -1;
    pair = 0;
  }
  for (j = least; j <= top; j++) {
    double a = off[j], b = run[j], joined = run_below + pair;
    int from_run = b > a, joins = joined > off_below;
    if (endless) {
      double a_parts = off_parts[j], b_parts = run_parts[j], joined_parts = run_parts_below + counts;
      from_run = b_parts > a_parts || (from_run && !(b_parts < a_parts));
      joins = joined_parts > off_parts_below || (joins && !(joined_parts < off_parts_below));
      off_parts[j] = from_run ? b_parts : a_parts;
      run_parts[j] = hfy_base_is_neg_inf_(gain) ? gain : joins ? joined_parts : off_parts_below;
      off_parts_below = a_parts;
      run_parts_below = b_parts;
    }
    off[j] = from_run ? b : a;
    run[j] = (joins ? joined : off_below) + gain;
    choice[j] = (unsigned char)(from_run | joins << 1);
    off_below = a;
    run_below = b;
  }
}

HFY_COLD_ HFY_SIMD_NOINLINE_ void hfy_structure_endless_(const hfy_structure *structure, const double *score,
                                                         const double *part, size_t i, double *room,
                                                         unsigned char *choice) {
  hfy_structure_step_(structure, score, part, i, room, choice, 1);
}

/* Dynamic programming over how many are on so far and whether the last one is; then back along the choices, so that
   the unaries come out ascending. scratch: room of hfy_structure_step_, n (k+1) bytes. */
HFY_PRIVATE_ size_t hfy_structure_sequence_(const hfy_structure *structure, const double *unary, const double *higher,
                                            size_t *on, void *scratch) {
  const size_t n = structure->unaries, k = structure->k;
  double *off = (double *)scratch, *run = off + k + 1, *off_parts = run + k + 1, *run_parts = off_parts + k + 1;
  unsigned char *came = (unsigned char *)(run_parts + k + 1);
  size_t i, left = k, count = k;
  int last, choice, endless = 0;
  for (i = 0; i <= 4 * k + 3; i++) off[i] = -HUGE_VAL;
  for (i = 0; i + 1 < n && !endless; i++) endless = !hfy_base_is_finite_(higher[i]);
  off[0] = off_parts[0] = 0;
  run[1] = unary[0];
  if (!hfy_base_is_neg_inf_(unary[0])) run_parts[1] = 0;
  for (i = 1; i < n && !endless; i++) hfy_structure_step_(structure, unary, higher, i, off, came + i * (k + 1), 0);
  for (; i < n; i++) hfy_structure_endless_(structure, unary, higher, i, off, came + i * (k + 1));
  last = run[k] > off[k];
  if (endless) last = run_parts[k] > off_parts[k] || (last && !(run_parts[k] < off_parts[k]));
  if (hfy_base_is_neg_inf_(last ? run[k] : off[k])) return SIZE_MAX;
  for (i = n; i-- > 0 && left;) {
    choice = i ? came[i * (k + 1) + left] : 0;
    if (last) on[--left] = i;
    last = last ? choice >> 1 : choice & 1;
  }
  for (i = 1; i < k; i++)
    if (on[i] == on[i - 1] + 1) on[count++] = n + on[i - 1];
  return count;
}

/* Viterbi. scratch: two rows of scores, as long as the most states, then a state for each unary: where it came from. */
HFY_PRIVATE_ size_t hfy_structure_chain_(const hfy_structure *structure, const double *unary, const double *higher,
                                         size_t *on, void *scratch) {
  const size_t *states = structure->states;
  size_t variables = structure->k, i, a, b, widest = 0, unary_at = 0, part_at = 0;
  double *score, *next;
  uint32_t *came;
  for (i = 0; i < variables; i++) widest = states[i] > widest ? states[i] : widest;
  score = (double *)scratch;
  next = score + widest;
  came = (uint32_t *)(void *)(next + widest);
  memcpy(score, unary, states[0] * sizeof *score);
  for (i = 1; i < variables; i++) {
    double *swap = score;
    unary_at += states[i - 1];
    for (b = 0; b < states[i]; b++) {
      next[b] = score[0] + higher[part_at + b];
      came[unary_at + b] = 0;
    }
    for (a = 1; a < states[i - 1]; a++)
      for (b = 0; b < states[i]; b++) {
        double value = score[a] + higher[part_at + a * states[i] + b];
        if (!(value > next[b])) continue;
        next[b] = value;
        came[unary_at + b] = (uint32_t)a;
      }
    for (b = 0; b < states[i]; b++) next[b] += unary[unary_at + b];
    part_at += states[i - 1] * states[i];
    score = next;
    next = swap;
  }
  for (a = 0, b = 1; b < states[variables - 1]; b++)
    if (score[b] > score[a]) a = b;
  if (hfy_base_is_neg_inf_(score[a])) return SIZE_MAX;
  for (i = variables; i--;) { /* a: the state of variable i */
    on[i] = unary_at + a;
    if (!i) break;
    b = came[unary_at + a];
    part_at -= states[i - 1] * states[i];
    on[variables + i - 1] = structure->unaries + part_at + b * states[i] + a;
    unary_at -= states[i - 1];
    a = b;
  }
  return 2 * variables - 1;
}

/* Assignment by shortest augmenting paths with potentials (Jonker, Volgenant 1987): n searches of O(n^2). A masked pair
   costs more than any whole matching without it can. scratch: 3 (n+1) doubles, 2 (n+1) size_t, n+1 bytes. */
HFY_PRIVATE_ size_t hfy_structure_matching_(const hfy_structure *structure, const double *unary, const double *higher,
                                            size_t *on, void *scratch) {
  size_t n = structure->k, i, j;
  double *row_price = (double *)scratch, *column_price = row_price + n + 1, *least = column_price + n + 1;
  size_t *match = (size_t *)(void *)(least + n + 1), *before = match + n + 1; /* columns from 1; 0 is the start */
  unsigned char *done = (unsigned char *)(before + n + 1);
  double low, high, barred;
  (void)higher;
  hfy_base_range_(unary, n * n, &low, &high);
  if (!(low <= high)) return SIZE_MAX;
  barred = (high - low + 1) * 2 * (double)(n + 1);
  memset(match, 0, (n + 1) * sizeof *match);
  for (i = 0; i <= n; i++) row_price[i] = column_price[i] = 0;
  for (i = 1; i <= n; i++) {
    size_t column = 0;
    match[0] = i;
    memset(done, 0, n + 1);
    for (j = 0; j <= n; j++) least[j] = HUGE_VAL;
    do { /* the unfinished column nearest to row i, and the prices on the way */
      size_t row = match[column], next = 0;
      const double *scores = unary + (row - 1) * n - 1;
      double step = HUGE_VAL;
      done[column] = 1;
      for (j = 1; j <= n; j++) {
        double cost;
        if (done[j]) continue;
        cost = hfy_base_is_neg_inf_(scores[j]) ? barred : high - scores[j];
        cost -= row_price[row] + column_price[j];
        if (cost < least[j]) {
          least[j] = cost;
          before[j] = column;
        }
        if (!(least[j] < step)) continue;
        step = least[j];
        next = j;
      }
      for (j = 0; j <= n; j++) {
        if (done[j]) row_price[match[j]] += step;
        (done[j] ? column_price : least)[j] -= step;
      }
      column = next;
    } while (match[column]);
    for (; column; column = before[column]) match[column] = match[before[column]];
  }
  for (j = 1; j <= n; j++) on[match[j] - 1] = (match[j] - 1) * n + j - 1;
  for (i = 0; i < n; i++)
    if (hfy_base_is_neg_inf_(unary[on[i]])) return SIZE_MAX;
  return n;
}

/* --- the built-in structures --- */

/* Sizes beyond reach become SIZE_MAX or 0, which hfy_structure_check_ refuses. */
HFY_COLD_ hfy_structure hfy_structure_make_(size_t unaries, size_t higher, size_t most, hfy_structure_oracle oracle,
                                            size_t scratch, size_t k, const size_t *states) {
  hfy_structure structure = {unaries, higher, most, oracle, scratch, NULL, k, states, 0, 0, 0};
  return structure;
}

HFY_API HFY_SMALL_ hfy_structure hfy_structure_ksubsets(size_t n, size_t k) {
  return hfy_structure_make_(n, 0, k, hfy_structure_ksubsets_, hfy_base_times_(n, sizeof(double)), k, NULL);
}
HFY_API HFY_SMALL_ hfy_structure hfy_structure_at_most(size_t n, size_t k) {
  return hfy_structure_make_(n, 0, k, hfy_structure_at_most_, hfy_base_times_(n, sizeof(double)), k, NULL);
}

HFY_API HFY_SMALL_ hfy_structure hfy_structure_sequence(size_t n, size_t k) {
  size_t row = hfy_base_plus_(k, 1),
         scratch = hfy_base_plus_(hfy_base_times_(4 * sizeof(double), row), hfy_base_times_(n, row));
  return hfy_structure_make_(n, n ? n - 1 : 0, k ? hfy_base_plus_(k, k - 1) : 0, hfy_structure_sequence_, scratch, k,
                             NULL);
}

HFY_API HFY_SMALL_ hfy_structure hfy_structure_chain(size_t variables, const size_t *states) {
  size_t i, unaries = 0, higher = 0, widest = 0, scratch;
  for (i = 0; states && i < variables; i++) {
    if (!states[i]) { /* a variable without a state: no vertices */
      unaries = 0;
      break;
    }
    unaries = hfy_base_plus_(unaries, states[i]);
    if (i) higher = hfy_base_plus_(higher, hfy_base_times_(states[i - 1], states[i]));
    if (states[i] > widest) widest = states[i];
  }
  scratch = hfy_base_plus_(hfy_base_times_(2 * sizeof(double), widest), hfy_base_times_(unaries, sizeof(uint32_t)));
  return hfy_structure_make_(unaries, higher, variables ? hfy_base_plus_(variables, variables - 1) : 0,
                             hfy_structure_chain_, scratch, variables, states);
}

HFY_API HFY_SMALL_ hfy_structure hfy_structure_matching(size_t n) {
  size_t each = 3 * sizeof(double) + 2 * sizeof(size_t) + 1;
  return hfy_structure_make_(hfy_base_times_(n, n), 0, n, hfy_structure_matching_,
                             hfy_base_times_(hfy_base_plus_(n, 1), each), n, NULL);
}

/* --- checks --- */

/* where begins the members' names: "structure->". */
HFY_COLD_ hfy_status hfy_structure_check_(const hfy_structure *structure, const char *where, hfy_work *work) {
  hfy_structure_oracle oracle = structure->oracle;
  size_t n = structure->unaries, k = structure->k, bits = hfy_base_plus_(n, structure->higher);
  if (!oracle) return hfy_base_fail_(work, HFY_ERR_ARG, "%soracle is NULL", where);
  if (!n) return hfy_base_fail_(work, HFY_ERR_ARG, "%sunaries is 0; a structure should have at least 1", where);
  if ((oracle == hfy_structure_ksubsets_ || oracle == hfy_structure_at_most_ || oracle == hfy_structure_sequence_) &&
      (!k || k > n))
    return hfy_base_fail_(work, HFY_ERR_ARG, "%sk is %z; it should be at least 1 and at most n, %z", where, k, n);
  if (bits > UINT32_MAX)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%sunaries and higher are %z and %z; together should be below 2^32",
                          where, n, structure->higher);
  if (!structure->most || structure->most > bits)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%smost is %z; it should be at least 1 and at most all %z bits", where,
                          structure->most, bits);
  if (!(structure->tol >= 0 && hfy_base_is_finite_(structure->tol)))
    return hfy_base_should_(work, where, "tol", structure->tol, "at least 0 and finite");
  return HFY_OK;
}

/* --- the solver --- */

typedef enum hfy_structure_fault_ {
  HFY_STRUCTURE_FINE_,
  HFY_STRUCTURE_MASKED_, /* no vertex without a masked bit */
  HFY_STRUCTURE_MANY_,   /* a list longer than most */
  HFY_STRUCTURE_RANGE_,  /* a bit that does not exist */
  HFY_STRUCTURE_TWICE_,  /* a bit listed twice */
  HFY_STRUCTURE_WORSE_,  /* an answer worse than a vertex known before; from here on no convergence */
  HFY_STRUCTURE_STEPS_,  /* max_steps met */
  HFY_STRUCTURE_CROWDED_ /* max_active met */
} hfy_structure_fault_;

/* An active vertex: b and what rounding has taken from it; bits on among the unaries, and in all. */
typedef struct hfy_structure_vertex_ {
  double linear, low;
  size_t unaries, bits;
} hfy_structure_vertex_;

typedef struct hfy_structure_solver_ {
  const hfy_structure *structure;
  double rho, rho_high;    /* and rho to half of its digits */
  size_t room, max_steps;  /* vertices, steps at most */
  double *unary, *raw;     /* n, m: the scores as given; unary: as the oracle sees them once it is ready */
  double *apart;           /* n: the same before their cut; offset + apart.u is what the scores as given make of u */
  double *part;            /* m: the higher-order scores that the oracle sees: raw but for large ones of a sequence */
  double *c;               /* n: unary - rho u */
  double *u, *u_low;       /* n; and what rounding has taken from it */
  uint32_t *touched;       /* n: where u is not 0 */
  unsigned char *mark;     /* n + m, 0 between uses */
  size_t *fresh;           /* most: the vertex that came last */
  void *oracle;            /* the oracle's scratch */
  double *weight, *target; /* room: p, and p on the affine hull */
  double *ones, *side;     /* room: H^-1 1; and of another right-hand side */
  double *factor;          /* (room+1)(room+2)/2: L, packed by rows, and a row on trial */
  hfy_structure_vertex_ *vertex; /* room */
  uint32_t *on;                  /* room x most */
  size_t n_touched, count, fresh_unaries, fresh_bits, steps;
  double fresh_linear, fresh_low, fresh_size; /* score of the fresh vertex, less infinite parts; sum of |terms| */
  double offset, gap, value;
  hfy_structure_fault_ fault;
} hfy_structure_solver_;

/* One of the built-in structures whose vertices all have equally many bits on? */
HFY_COLD_ int hfy_structure_is_level_(const hfy_structure *structure) {
  return structure->oracle == hfy_structure_ksubsets_ || structure->oracle == hfy_structure_sequence_ ||
         structure->oracle == hfy_structure_chain_ || structure->oracle == hfy_structure_matching_;
}

HFY_COLD_ size_t hfy_structure_room_(const hfy_structure *structure) {
  return hfy_base_min_(structure->max_active ? structure->max_active : 1024, structure->unaries + 1);
}

HFY_COLD_ void hfy_structure_plan_(hfy_base_arena_ *arena, const hfy_structure *structure, size_t room,
                                   hfy_structure_solver_ *s) {
  size_t n = structure->unaries, m = structure->higher, packed = hfy_base_times_(room + 1, room + 2);
  if (packed < SIZE_MAX) packed /= 2;
  s->structure = structure;
  s->room = room;
  s->max_steps = structure->max_steps ? structure->max_steps : hfy_base_plus_(1000, hfy_base_times_(10, room));
  s->unary = HFY_TAKE_(arena, double, n);
  s->raw = HFY_TAKE_(arena, double, m);
  s->part = s->raw;
  s->apart = s->unary;
  if (hfy_structure_is_level_(structure)) s->apart = HFY_TAKE_(arena, double, n);
  if (structure->oracle == hfy_structure_sequence_) s->part = HFY_TAKE_(arena, double, m);
  s->c = HFY_TAKE_(arena, double, n);
  s->u = HFY_TAKE_(arena, double, n);
  s->u_low = HFY_TAKE_(arena, double, n);
  s->touched = HFY_TAKE_(arena, uint32_t, n);
  s->mark = HFY_TAKE_(arena, unsigned char, n + m);
  s->fresh = HFY_TAKE_(arena, size_t, structure->most);
  s->oracle = hfy_base_take_(arena, structure->scratch, 1);
  s->weight = HFY_TAKE_(arena, double, room);
  s->target = HFY_TAKE_(arena, double, room);
  s->ones = HFY_TAKE_(arena, double, room);
  s->side = HFY_TAKE_(arena, double, room);
  s->factor = HFY_TAKE_(arena, double, packed);
  s->vertex = HFY_TAKE_(arena, hfy_structure_vertex_, room);
  s->on = HFY_TAKE_(arena, uint32_t, hfy_base_times_(room, structure->most));
}

/* What a sequence's oracle sees of its parts. One value for all transitions, if beyond twice what k scores and the
   quadratic can differ by, counts as infinite: more of it changes no choice, and would cost digits. */
HFY_COLD_ void hfy_structure_bound_parts_(hfy_structure_solver_ *s) {
  size_t i, m = s->structure->higher;
  double low, high, bound;
  int even = 1;
  hfy_base_range_(s->unary, s->structure->unaries, &low, &high);
  bound = 2 * (double)s->structure->k * (high - low + s->rho);
  for (i = 1; i < m && even; i++) even = hfy_base_bits_(s->raw[i]) == hfy_base_bits_(s->raw[0]);
  for (i = 0; i < m; i++) {
    double t = s->raw[i];
    s->part[i] = !even || fabs(t) <= bound ? t : t > 0 ? HUGE_VAL : -HUGE_VAL;
  }
}

/* Where b of the bits of a group are on in every vertex (k of all, one of a variable's states, one of a matching's
   row), a number added to its scores changes nothing. So they are taken in differences from the b-th best, as exact as
   they are. One further above than the quadratic and the parts can make up for is on for sure: it is cut, lest it take
   digits from the others. Not so under infinite parts. */
HFY_COLD_ void hfy_structure_level_(hfy_structure_solver_ *s) {
  const hfy_structure *structure = s->structure;
  int rows = structure->oracle == hfy_structure_matching_, states = structure->oracle == hfy_structure_chain_;
  size_t i, m = structure->higher, at = 0, size, on = rows || states ? 1 : structure->k, group = 0;
  double cut, largest = 0;
  for (i = 0; i < m; i++) largest = fabs(s->part[i]) > largest ? fabs(s->part[i]) : largest;
  cut = 2 * (s->rho + 4 * largest);
  for (; at < structure->unaries; at += size) {
    double kth, *unary = s->unary + at, *apart = s->apart + at;
    size = rows ? structure->k : states ? structure->states[group++] : structure->unaries;
    memcpy(s->c, unary, size * sizeof *unary);
    kth = hfy_base_kth_largest_(s->c, size, on);
    if (hfy_base_is_neg_inf_(kth)) kth = 0; /* too few: the oracle will say so */
    s->offset += (double)on * kth;
    for (i = 0; i < size; i++) {
      apart[i] = unary[i] - kth;
      unary[i] = apart[i] < cut ? apart[i] : cut;
    }
  }
}

/* Why a solve ends, and its status. */
HFY_PRIVATE_ hfy_status hfy_structure_stop_(hfy_structure_solver_ *s, hfy_structure_fault_ fault) {
  s->fault = fault;
  return fault >= HFY_STRUCTURE_WORSE_ ? HFY_ERR_CONVERGENCE : fault ? HFY_ERR_ARG : HFY_OK;
}

/* Looks at the scores in s->unary and s->raw and makes the solver ready for them. */
HFY_COLD_ hfy_status hfy_structure_ready_(hfy_structure_solver_ *s) {
  size_t i, n = s->structure->unaries, m = s->structure->higher, live = 0;
  int sequence = s->structure->oracle == hfy_structure_sequence_, exponent;
  double largest = s->rho, digits = frexp(s->rho, &exponent);
  s->rho_high = ldexp((double)(float)digits, exponent);
  s->count = s->n_touched = s->steps = s->fresh_bits = s->fresh_unaries = 0;
  s->fresh_linear = s->fresh_low = s->fresh_size = s->offset = s->value = 0;
  s->gap = HUGE_VAL;
  s->fault = HFY_STRUCTURE_FINE_;
  for (i = 0; i < n + m; i++) {
    double v = i < n ? s->unary[i] : s->raw[i - n];
    if (hfy_base_is_nan_(v) || (hfy_base_is_pos_inf_(v) && (i < n || !sequence))) return HFY_ERR_NONFINITE;
    if (!hfy_base_is_finite_(v)) continue;
    live += i < n;
    if (fabs(v) > largest) largest = fabs(v);
  }
  if (!(largest < DBL_MAX / 64 / ((double)s->structure->most + 1))) return HFY_ERR_NONFINITE;
  if (!live) return hfy_structure_stop_(s, HFY_STRUCTURE_MASKED_);
  if (sequence) hfy_structure_bound_parts_(s);
  if (hfy_structure_is_level_(s->structure)) hfy_structure_level_(s);
  memcpy(s->c, s->unary, n * sizeof *s->c);
  memset(s->u, 0, n * sizeof *s->u);
  memset(s->mark, 0, n + m);
  return HFY_OK;
}

/* Puts a list of bits into s->fresh, unaries first, and its score and sizes beside it. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ hfy_status hfy_structure_take_list_(hfy_structure_solver_ *s, const size_t *on,
                                                                    size_t count) {
  size_t i, bit, n = s->structure->unaries, bits = n + s->structure->higher, marked = 0;
  hfy_structure_fault_ fault = count > s->structure->most ? HFY_STRUCTURE_MANY_ : HFY_STRUCTURE_FINE_;
  while (marked < count && !fault) {
    bit = on[marked];
    fault = bit >= bits ? HFY_STRUCTURE_RANGE_ : s->mark[bit] ? HFY_STRUCTURE_TWICE_ : fault;
    if (!fault) s->mark[on[marked++]] = 1;
  }
  while (marked) s->mark[on[--marked]] = 0;
  if (hfy_structure_stop_(s, fault)) return HFY_ERR_ARG;
  s->fresh_bits = count;
  s->fresh_unaries = 0;
  s->fresh_linear = s->fresh_low = s->fresh_size = 0;
  for (i = 0; i < count; i++) {
    double v = on[i] < n ? s->unary[on[i]] : s->part[on[i] - n];
    bit = on[i]; /* on may be s->fresh */
    if (bit >= n && s->part != s->raw && !hfy_base_is_finite_(v)) v = 0; /* all answers have as many of these */
    s->fresh[i] = bit;
    hfy_base_add_(v, &s->fresh_linear, &s->fresh_low);
    s->fresh_size += fabs(v);
    if (bit >= n) continue;
    s->fresh[i] = s->fresh[s->fresh_unaries]; /* keeps the unaries in front */
    s->fresh[s->fresh_unaries++] = bit;
  }
  return hfy_base_is_finite_(s->fresh_linear) ? HFY_OK : hfy_structure_stop_(s, HFY_STRUCTURE_MASKED_);
}

/* One call of the oracle at the scores c and part. */
HFY_COLD_ hfy_status hfy_structure_ask_(hfy_structure_solver_ *s) {
  size_t count = s->structure->oracle(s->structure, s->c, s->part, s->fresh, s->oracle);
  s->steps++;
  if (count == SIZE_MAX) return hfy_structure_stop_(s, HFY_STRUCTURE_MASKED_);
  return hfy_structure_take_list_(s, s->fresh, count);
}

/* The best vertex at the scores in s->unary and s->raw, into the fresh list. */
HFY_COLD_ hfy_status hfy_structure_first_(hfy_structure_solver_ *s) {
  hfy_status status = hfy_structure_ready_(s);
  return status ? status : hfy_structure_ask_(s);
}

HFY_PRIVATE_ const uint32_t *hfy_structure_on_(const hfy_structure_solver_ *s, size_t v) {
  return s->on + v * s->structure->most;
}

/* x <- H^-1 x. Returns the sum of the new x. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_structure_invert_(const hfy_structure_solver_ *s, double *x) {
  double sum = 0;
  size_t i;
  hfy_linalg_cholesky_forward_(s->factor, 0, s->count, x);
  hfy_linalg_cholesky_backward_(s->factor, 0, s->count, x);
  for (i = 0; i < s->count; i++) sum += x[i];
  return sum;
}

/* The fresh vertex joins with this weight, its row of the factor being in place. */
HFY_COLD_ void hfy_structure_join_(hfy_structure_solver_ *s, double weight, double pivot) {
  const hfy_structure_vertex_ fresh = {s->fresh_linear, s->fresh_low, s->fresh_unaries, s->fresh_bits};
  size_t i, v = s->count++;
  hfy_linalg_factor_row_(s->factor, 0, v)[v] = sqrt(pivot);
  for (i = 0; i < s->fresh_bits; i++) s->on[v * s->structure->most + i] = (uint32_t)s->fresh[i];
  s->vertex[v] = fresh;
  s->weight[v] = weight;
}

/* Takes vertex v out. */
HFY_COLD_ void hfy_structure_leave_(hfy_structure_solver_ *s, size_t v) {
  const size_t most = s->structure->most, after = s->count - v - 1;
  hfy_linalg_factor_leave_(s->factor, 0, s->count, v);
  memmove(s->on + v * most, s->on + (v + 1) * most, after * most * sizeof *s->on);
  memmove(s->vertex + v, s->vertex + v + 1, after * sizeof *s->vertex);
  memmove(s->weight + v, s->weight + v + 1, after * sizeof *s->weight);
  memmove(s->target + v, s->target + v + 1, after * sizeof *s->target);
  s->count--;
}

/* u and c of these weights. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_structure_mix_(hfy_structure_solver_ *s, const double *weight) {
  size_t v, i, at;
  for (i = 0; i < s->n_touched; i++) {
    at = s->touched[i];
    s->u[at] = 0;
    s->c[at] = s->unary[at];
  }
  s->n_touched = 0;
  for (v = 0; v < s->count; v++) {
    const uint32_t *on = hfy_structure_on_(s, v);
    for (i = 0; i < s->vertex[v].unaries; i++) {
      at = on[i];
      if (!s->mark[at]) {
        s->mark[at] = 1;
        s->touched[s->n_touched++] = on[i];
        s->u_low[at] = 0;
      }
      hfy_base_add_(weight[v], s->u + at, s->u_low + at);
    }
  }
  for (i = 0; i < s->n_touched; i++) {
    at = s->touched[i];
    s->c[at] = s->unary[at] - s->rho * s->u[at];
    s->mark[at] = 0;
  }
}

/* |u|^2 */
HFY_PRIVATE_ double hfy_structure_square_(const hfy_structure_solver_ *s, double square) {
  size_t i;
  for (i = 0; i < s->n_touched; i++) square += s->u[s->touched[i]] * s->u[s->touched[i]];
  return square;
}

/* A small pivot, measured on the vertices: |fresh - combination|^2 with a 1 before each. row: fresh's of the factor. */
HFY_COLD_ double hfy_structure_remainder_(hfy_structure_solver_ *s, const double *row) {
  double ones = -1, square;
  size_t i;
  memcpy(s->side, row, s->count * sizeof *row);
  hfy_linalg_cholesky_backward_(s->factor, 0, s->count, s->side);
  hfy_structure_mix_(s, s->side);
  for (i = 0; i < s->count; i++) ones += s->side[i];
  square = hfy_structure_square_(s, (double)s->fresh_unaries);
  for (i = 0; i < s->fresh_unaries; i++) square -= 2 * s->u[s->fresh[i]];
  hfy_structure_mix_(s, s->weight);
  return square + ones * ones;
}

/* Row `count` of the factor for the fresh vertex; its pivot, squared, into *pivot: 0 if it depends on the others.
   Returns the place of a vertex with the very same bits, or SIZE_MAX. */
HFY_PRIVATE_ size_t hfy_structure_border_(hfy_structure_solver_ *s, double *pivot) {
  double *row = hfy_linalg_factor_row_(s->factor, 0, s->count), diagonal = (double)s->fresh_unaries + 1;
  size_t v, i, same = SIZE_MAX;
  for (i = 0; i < s->fresh_bits; i++) s->mark[s->fresh[i]] = 1;
  for (v = 0; v < s->count; v++) {
    const uint32_t *on = hfy_structure_on_(s, v);
    size_t shared = 0, parts = 0, bits = s->vertex[v].bits;
    for (i = 0; i < s->vertex[v].unaries; i++) shared += s->mark[on[i]];
    for (; i < bits; i++) parts += s->mark[on[i]];
    if (shared + parts == bits && bits == s->fresh_bits) same = v;
    row[v] = (double)shared + 1;
  }
  for (i = 0; i < s->fresh_bits; i++) s->mark[s->fresh[i]] = 0;
  hfy_linalg_cholesky_forward_(s->factor, 0, s->count, row);
  *pivot = diagonal - hfy_linalg_dot_(row, row, s->count);
  if (s->count && *pivot < 1e-2 * diagonal) *pivot = hfy_structure_remainder_(s, row);
  if (!(*pivot > 1e-10 * diagonal)) *pivot = 0; /* as good as dependent */
  return same;
}

/* The score of vertex v at c: *score + *low, to twice the digits of double, since vertices may be so nearly dependent
   that their weights hang on the last digits. */
HFY_PRIVATE_ void hfy_structure_score_(const hfy_structure_solver_ *s, size_t v, double *score, double *low) {
  const uint32_t *on = hfy_structure_on_(s, v);
  double u = 0, u_low = 0, rho_low = s->rho - s->rho_high, u_high, product, lost;
  size_t i;
  for (i = 0; i < s->vertex[v].unaries; i++) {
    hfy_base_add_(s->u[on[i]], &u, &u_low);
    u_low += s->u_low[on[i]];
  }
  u_high = (double)(float)u; /* halves of the digits: their products are exact */
  product = s->rho * u;
  lost = ((s->rho_high * u_high - product) + s->rho_high * (u - u_high) + rho_low * u_high) + rho_low * (u - u_high);
  *score = s->vertex[v].linear;
  *low = s->vertex[v].low;
  hfy_base_add_(-product, score, low);
  *low -= lost + s->rho * u_low;
}

/* s->side = what A u = b/rho + kappa lacks at the target; returns the most of it. *sum: of the target's weights. */
HFY_COLD_ double hfy_structure_lack_(hfy_structure_solver_ *s, double *sum) {
  double lack = 0, mean = 0, score, low, first = 0;
  size_t v;
  hfy_structure_mix_(s, s->target);
  for (v = 0, *sum = 0; v < s->count; v++) {
    hfy_structure_score_(s, v, &score, &low);
    if (!v) first = score;
    s->side[v] = ((score - first) + low) / s->rho;
    mean += s->side[v] / (double)s->count;
    *sum += s->target[v];
  }
  for (v = 0; v < s->count; v++) {
    s->side[v] -= mean;
    lack = fabs(s->side[v]) > lack ? fabs(s->side[v]) : lack;
  }
  return lack;
}

/* s->target: the weights that are best on the affine hull of the active vertices, refined while that helps. */
HFY_PRIVATE_ void hfy_structure_aim_(hfy_structure_solver_ *s) {
  size_t v, count = s->count;
  double top = s->vertex[0].linear, sum = 0, all, kappa, lack, before = HUGE_VAL;
  int pass;
  if (count == 1) {
    s->target[0] = 1;
    return;
  }
  for (v = 1; v < count; v++) top = s->vertex[v].linear > top ? s->vertex[v].linear : top;
  for (v = 0; v < count; v++) {
    s->ones[v] = 1;
    s->target[v] = 0;
    s->side[v] = ((s->vertex[v].linear - top) + s->vertex[v].low) / s->rho;
  }
  all = hfy_structure_invert_(s, s->ones);
  for (pass = 0; pass < 12; pass++) {
    if (pass) {
      lack = hfy_structure_lack_(s, &sum);
      if (pass > 1 && !(lack < 0.5 * before)) break;
      before = lack;
    }
    hfy_structure_invert_(s, s->side);
    for (v = 0; v < count; v++) sum += s->side[v];
    kappa = (1 - sum) / all;
    for (v = 0; v < count; v++) s->target[v] += s->side[v] + kappa * s->ones[v];
  }
}

/* Walks to the best weights >= 0 and mixes them: towards the target until a weight, which leaves, is 0; and again. */
HFY_PRIVATE_ void hfy_structure_settle_(hfy_structure_solver_ *s) {
  for (;;) {
    size_t v, first = SIZE_MAX;
    double reach = 1;
    hfy_structure_aim_(s);
    for (v = 0; v < s->count; v++) {
      double step;
      if (s->target[v] > 0) continue;
      step = s->weight[v] > 0 ? s->weight[v] / (s->weight[v] - s->target[v]) : 0;
      if (first < SIZE_MAX && !(step < reach)) continue;
      first = v;
      reach = step;
    }
    if (first == SIZE_MAX) break;
    for (v = 0; v < s->count; v++) s->weight[v] += reach * (s->target[v] - s->weight[v]);
    s->weight[first] = 0;
    for (v = s->count; v-- > 0;)
      if (!(s->target[v] > 0) && !(s->weight[v] > 0) && s->count > 1) hfy_structure_leave_(s, v);
  }
  memcpy(s->weight, s->target, s->count * sizeof *s->weight);
  hfy_structure_mix_(s, s->weight);
}

/* The fresh vertex joins. While it depends on the active ones, u can stay while weight moves to it, which raises the
   linear part, until one of them has none left and leaves. */
HFY_COLD_ hfy_status hfy_structure_enter_(hfy_structure_solver_ *s, double pivot) {
  double weight = 0;
  while (!(pivot > 0)) {
    double *c = hfy_linalg_factor_row_(s->factor, 0, s->count), step = HUGE_VAL;
    size_t v, first = 0;
    hfy_linalg_cholesky_backward_(s->factor, 0, s->count, c);
    for (v = 0; v < s->count; v++) {
      if (!(c[v] > 1e-12 && s->weight[v] / c[v] < step)) continue;
      step = s->weight[v] / c[v];
      first = v;
    }
    if (!(step < HUGE_VAL)) step = 0;
    for (v = 0; v < s->count; v++) s->weight[v] -= step * c[v];
    weight += step;
    hfy_structure_leave_(s, first);
    hfy_structure_border_(s, &pivot);
  }
  if (s->count == s->room) return hfy_structure_stop_(s, HFY_STRUCTURE_CROWDED_);
  hfy_structure_join_(s, weight, pivot);
  return HFY_OK;
}

/* The finite scores, as given, of the parts of vertex v, or of the fresh list (SIZE_MAX); *infinite: + less - ones. */
HFY_COLD_ double hfy_structure_parts_score_(const hfy_structure_solver_ *s, size_t v, double *infinite) {
  const uint32_t *on = v == SIZE_MAX ? NULL : hfy_structure_on_(s, v);
  size_t i = on ? s->vertex[v].unaries : s->fresh_unaries, end = on ? s->vertex[v].bits : s->fresh_bits;
  double sum = 0;
  for (*infinite = 0; i < end; i++) {
    double raw = s->raw[(on ? on[i] : s->fresh[i]) - s->structure->unaries];
    if (!hfy_base_is_finite_(raw)) *infinite += raw > 0 ? 1 : -1;
    sum += hfy_base_is_finite_(raw) ? raw : 0;
  }
  return sum;
}

/* Vertices join, the best for the linear part that is left of the objective, until none is better than the mixture. */
HFY_PRIVATE_ hfy_status hfy_structure_climb_(hfy_structure_solver_ *s) {
  double best = -HUGE_VAL, base = s->fresh_linear, pivot, score, low;
  size_t v, i, stalls = 0, same;
  hfy_status status;
  for (;;) {
    double level = 0, rise = 0, fresh, rounding, size = 0;
    hfy_structure_settle_(s);
    for (v = 0; v < s->count; v++) {
      hfy_structure_score_(s, v, &score, &low);
      level += s->weight[v] * score;
      rise += s->weight[v] * (s->vertex[v].linear - base);
    }
    rise -= 0.5 * s->rho * hfy_structure_square_(s, 0);
    stalls = rise > best ? 0 : stalls + 1;
    if (rise > best) best = rise;
    status = hfy_structure_ask_(s);
    if (status) return status;
    fresh = s->fresh_linear;
    for (i = 0; i < s->fresh_unaries; i++) {
      fresh -= s->rho * s->u[s->fresh[i]];
      size += s->rho * s->u[s->fresh[i]];
    }
    size += s->fresh_size + fabs(level);
    s->gap = fresh > level ? fresh - level : 0;
    rounding = 8 * DBL_EPSILON * size;
    if (fresh - level < -64 * rounding - 1e-12 * s->rho) return hfy_structure_stop_(s, HFY_STRUCTURE_WORSE_);
    if (s->gap <= s->structure->tol || s->gap <= rounding) return HFY_OK;
    same = hfy_structure_border_(s, &pivot);
    if (same != SIZE_MAX || stalls >= 32 + s->count) /* no visible rise: rounding, unless the oracle is wrong */
      return s->gap > 64 * rounding + 1e-10 * s->rho ? hfy_structure_stop_(s, HFY_STRUCTURE_WORSE_) : HFY_OK;
    if (s->steps >= s->max_steps) return hfy_structure_stop_(s, HFY_STRUCTURE_STEPS_);
    status = hfy_structure_enter_(s, pivot);
    if (status) return status;
  }
}

/* SparseMAP of the scores in s->unary and s->raw: u, the mixture, gap, value, steps; on CONVERGENCE the last ones. */
HFY_PRIVATE_ hfy_status hfy_structure_run_(hfy_structure_solver_ *s) {
  hfy_status status = hfy_structure_first_(s);
  double pivot, infinite, low, high, dust;
  size_t v, i, before;
  if (status) return status;
  hfy_structure_border_(s, &pivot);
  hfy_structure_join_(s, 1, pivot);
  status = hfy_structure_climb_(s);
  if (status && status != HFY_ERR_CONVERGENCE) return status;
  before = s->count;
  low = high = s->vertex[0].linear;
  for (v = 1; v < before; v++) {
    if (s->vertex[v].linear < low) low = s->vertex[v].linear;
    if (s->vertex[v].linear > high) high = s->vertex[v].linear;
  }
  dust = 64 * DBL_EPSILON * (1 + (high - low) / s->rho);
  if (dust > 1e-9) dust = 1e-9;
  for (v = before; v-- > 0;) /* who has a weight that is rounding leaves: derivatives follow from who is left */
    if (s->weight[v] <= dust && s->count > 1) hfy_structure_leave_(s, v);
  if (s->count < before) hfy_structure_settle_(s);
  s->value = s->offset;
  for (v = 0; v < s->count; v++) s->value += s->weight[v] * hfy_structure_parts_score_(s, v, &infinite);
  for (i = 0; i < s->n_touched; i++) {
    double *u = s->u + s->touched[i];
    if (fabs(*u - 1) <= 4 * DBL_EPSILON) *u = 1; /* on in all vertices, whatever the weights sum to */
    s->value += *u * (s->apart[s->touched[i]] - 0.5 * s->rho * *u);
  }
  return status;
}

/* How much more the unaries of vertex v score than those of the fresh list; *alone: how many are not in that. */
HFY_COLD_ double hfy_structure_apart_(hfy_structure_solver_ *s, size_t v, size_t *alone) {
  const uint32_t *on = hfy_structure_on_(s, v);
  size_t i, count = s->vertex[v].unaries;
  double more = 0;
  *alone = 0;
  for (i = 0; i < s->fresh_unaries; i++) s->mark[s->fresh[i]] = 1;
  for (i = 0; i < count; i++) {
    if (!s->mark[on[i]]) {
      more += s->apart[on[i]];
      ++*alone;
    }
    s->mark[on[i]] = 0;
  }
  for (i = 0; i < s->fresh_unaries; i++) {
    if (s->mark[s->fresh[i]]) more -= s->apart[s->fresh[i]];
    s->mark[s->fresh[i]] = 0;
  }
  return more;
}

/* The loss of the fresh list at the solution in place: of differences of scores; what vertices share does not enter. */
HFY_COLD_ double hfy_structure_fresh_loss_(hfy_structure_solver_ *s) {
  double loss = 0.5 * s->rho * (double)s->fresh_unaries, own, own_infinite, in_this, parts = 0, infinite = 0;
  size_t v, i, alone;
  own = hfy_structure_parts_score_(s, SIZE_MAX, &own_infinite);
  for (v = 0; v < s->count; v++) {
    loss += s->weight[v] * hfy_structure_apart_(s, v, &alone);
    /* apart: it may be huge, and is 0 among vertices of equal parts */
    parts += s->weight[v] * (hfy_structure_parts_score_(s, v, &in_this) - own);
    infinite += s->weight[v] * in_this;
  }
  for (i = 0; i < s->n_touched; i++) loss -= 0.5 * s->rho * s->u[s->touched[i]] * s->u[s->touched[i]];
  loss += parts;
  if (fabs(infinite - own_infinite) > 1e-9) return HUGE_VAL; /* not one that the infinite scores leave */
  return loss > 0 ? loss : 0;
}

/* v of the mixture into higher (m). */
HFY_COLD_ void hfy_structure_parts_(const hfy_structure_solver_ *s, const double *weight, double *higher) {
  size_t v, i, n = s->structure->unaries;
  if (s->structure->higher) memset(higher, 0, s->structure->higher * sizeof *higher);
  for (v = 0; v < s->count; v++)
    for (i = s->vertex[v].unaries; i < s->vertex[v].bits; i++) higher[hfy_structure_on_(s, v)[i] - n] += weight[v];
}

/* The cotangent of the weights from that of u: s->side = (H^-1 - H^-1 1 1^T H^-1 / 1.H^-1 1) A du / rho. */
HFY_COLD_ void hfy_structure_weights_vjp_(hfy_structure_solver_ *s, const double *du) {
  double all, sum;
  size_t v, i;
  for (v = 0; v < s->count; v++) {
    const uint32_t *on = hfy_structure_on_(s, v);
    s->ones[v] = 1;
    s->side[v] = 0;
    for (i = 0; i < s->vertex[v].unaries; i++) s->side[v] += du[on[i]];
  }
  if (s->count == 1) {
    s->side[0] = 0;
    return;
  }
  all = hfy_structure_invert_(s, s->ones);
  sum = hfy_structure_invert_(s, s->side);
  for (v = 0; v < s->count; v++) s->side[v] = (s->side[v] - s->ones[v] * (sum / all)) / s->rho;
}

/* --- the public functions --- */

/* The message for a status that the solver came back with, if it is an error. */
HFY_COLD_ hfy_status hfy_structure_failed_(hfy_work *work, hfy_status status, const hfy_structure_solver_ *s) {
  static const char *const text[] = {
    "unary or higher: scores should be finite or -infinity, and their sums within the range of double",
    "unary: every vertex has a bit that is masked by -infinity",
    "a list of bits is longer than structure->most, %z",
    "a list names a bit that the structure has not; it has %z",
    "a list names one bit twice",
    "structure->oracle: its answer is not its best; the gap is %g",
    "structure->max_steps: the gap is still %g after %z steps",
    "structure->max_active: the gap is still %g with %z vertices"};
  const hfy_structure *t = s->structure;
  if (!status) return HFY_OK;
  if (s->fault < HFY_STRUCTURE_WORSE_)
    return hfy_base_fail_(work, status, text[s->fault],
                          s->fault == HFY_STRUCTURE_MANY_ ? t->most : t->unaries + t->higher);
  return hfy_base_fail_(work, status, text[s->fault], s->gap, s->fault == HFY_STRUCTURE_STEPS_ ? s->steps : s->count);
}

/* What the functions on scores begin with: checks, scratch for `room` vertices (0: as many as the structure says), a
   copy of the scores. missing: the first array that is NULL. */
HFY_COLD_ hfy_status hfy_structure_begin_(const hfy_structure *structure, double rho, const double *unary,
                                          const double *higher, const char *missing, size_t room,
                                          hfy_structure_solver_ *s, hfy_work *work) {
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_status status = hfy_base_null_(work, structure ? NULL : "structure");
  if (!status) status = hfy_structure_check_(structure, "structure->", work);
  if (status) return status;
  if (!(rho >= 0 && hfy_base_is_finite_(rho)))
    return hfy_base_should_(work, "", "rho", rho, "above 0 and finite, or 0 for 1");
  status = hfy_base_null_(work, unary ? missing : "unary");
  while (hfy_base_layout_(&arena, work, &status))
    hfy_structure_plan_(&arena, structure, room ? room : hfy_structure_room_(structure), s);
  if (status) return status;
  s->rho = hfy_base_default_(rho, 1);
  memcpy(s->unary, unary, structure->unaries * sizeof *unary);
  if (!structure->higher) return HFY_OK;
  memset(s->raw, 0, structure->higher * sizeof *s->raw);
  if (higher) memcpy(s->raw, higher, structure->higher * sizeof *higher);
  return HFY_OK;
}

/* The list of vertex v, or of the fresh one (SIZE_MAX), ascending. */
HFY_COLD_ void hfy_structure_list_(hfy_structure_solver_ *s, size_t v, size_t *on) {
  const uint32_t *from = v == SIZE_MAX ? NULL : hfy_structure_on_(s, v);
  size_t i, bits = s->structure->unaries + s->structure->higher, have = from ? s->vertex[v].bits : s->fresh_bits;
  for (i = 0; i < have; i++) s->mark[from ? from[i] : s->fresh[i]] = 1;
  for (i = 0; i < bits; i++) {
    if (s->mark[i]) *on++ = i;
    s->mark[i] = 0;
  }
}

HFY_API HFY_SMALL_ hfy_status hfy_structure_map(const hfy_structure *structure, const double *unary,
                                                const double *higher, size_t *on, size_t *count, double *score,
                                                hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_structure_solver_ s;
  hfy_status status = hfy_structure_begin_(structure, 1, unary, higher, NULL, 1, &s, w);
  if (!status) status = hfy_structure_failed_(w, hfy_structure_first_(&s), &s);
  if (!status) {
    size_t i, n = structure->unaries;
    double sum = 0;
    for (i = 0; i < s.fresh_bits; i++) sum += s.fresh[i] < n ? unary[s.fresh[i]] : s.raw[s.fresh[i] - n];
    if (score) *score = sum;
    if (count) *count = s.fresh_bits;
    if (on) hfy_structure_list_(&s, SIZE_MAX, on);
  }
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_structure_solve(const hfy_structure *structure, double rho, const double *unary,
                                                  const double *higher, hfy_structure_answer *answer, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_structure_solver_ s;
  hfy_status status = hfy_structure_begin_(structure, rho, unary, higher, answer ? NULL : "answer", 0, &s, w);
  size_t v;
  if (status || !answer) return hfy_base_close_(w, &local, status);
  status = hfy_structure_run_(&s);
  if (!status || status == HFY_ERR_CONVERGENCE) {
    if (answer->unary) memcpy(answer->unary, s.u, structure->unaries * sizeof *s.u);
    if (answer->higher) hfy_structure_parts_(&s, s.weight, answer->higher);
    answer->value = s.value;
    answer->gap = s.gap;
    answer->steps = s.steps;
    answer->vertices = s.count;
    for (v = 0; v < hfy_base_min_(s.count, answer->room); v++) {
      if (answer->weight) answer->weight[v] = s.weight[v];
      if (answer->count) answer->count[v] = s.vertex[v].bits;
      if (answer->on) hfy_structure_list_(&s, v, answer->on + v * structure->most);
    }
  }
  return hfy_base_close_(w, &local, hfy_structure_failed_(w, status, &s));
}

/* The active vertices of an answer, and their factor. du stood in for the scores: they are 0. */
HFY_COLD_ hfy_status hfy_structure_restore_(hfy_structure_solver_ *s, size_t vertices, const size_t *count,
                                            const size_t *on, hfy_work *work) {
  size_t v, n = s->structure->unaries, m = s->structure->higher;
  double pivot;
  memset(s->mark, 0, n + m);
  if (m) memset(s->part, 0, m * sizeof *s->part);
  memset(s->unary, 0, n * sizeof *s->unary);
  memset(s->u, 0, n * sizeof *s->u);
  s->count = s->n_touched = 0;
  for (v = 0; v < vertices; v++) {
    hfy_status status = hfy_structure_take_list_(s, on + v * s->structure->most, count[v]);
    if (status) return hfy_structure_failed_(work, status, s);
    hfy_structure_border_(s, &pivot);
    if (!(pivot > 0)) return hfy_base_fail_(work, HFY_ERR_SINGULAR, "on: vertex %z depends on those before it", v);
    hfy_structure_join_(s, 1, pivot);
  }
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_structure_vjp(const hfy_structure *structure, double rho, size_t vertices,
                                                const size_t *count, const size_t *on, const double *du,
                                                double *d_unary, double *d_higher, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_structure_solver_ s;
  const char *missing = !count ? "count" : !on ? "on" : NULL;
  hfy_status status = HFY_OK;
  if (!vertices || (structure && vertices > hfy_base_plus_(structure->unaries, 1)))
    status = hfy_base_fail_(w, HFY_ERR_ARG, "vertices is %z; it should be at least 1 and at most unaries + 1",
                            vertices);
  if (!status) status = hfy_structure_begin_(structure, rho, du, NULL, missing, vertices, &s, w);
  if (!status) status = hfy_structure_restore_(&s, vertices, count, on, w);
  if (!status) {
    hfy_structure_weights_vjp_(&s, du);
    hfy_structure_mix_(&s, s.side);
    if (d_unary) memcpy(d_unary, s.u, structure->unaries * sizeof *s.u); /* may be du */
    if (d_higher) hfy_structure_parts_(&s, s.side, d_higher);
  }
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_structure_loss(const hfy_structure *structure, double rho, const double *unary,
                                                 const double *higher, const size_t *on, size_t count, double *loss,
                                                 hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_structure_solver_ s;
  const char *missing = !on && count ? "on" : !loss ? "loss" : NULL;
  hfy_status status = hfy_structure_begin_(structure, rho, unary, higher, missing, 0, &s, w);
  if (!status) status = hfy_structure_failed_(w, hfy_structure_run_(&s), &s);
  if (!status) {
    status = hfy_structure_take_list_(&s, on, count);
    if (!status || s.fault == HFY_STRUCTURE_MASKED_) {
      *loss = status ? HUGE_VAL : hfy_structure_fresh_loss_(&s);
      status = HFY_OK;
    }
    status = hfy_structure_failed_(w, status, &s);
  }
  return hfy_base_close_(w, &local, status);
}

/* How much the list in s->fresh is ahead of the best other vertex at the scores less rho where the list is on. */
HFY_COLD_ hfy_status hfy_structure_lead_(hfy_structure_solver_ *s, const size_t *on, size_t count, double *slack) {
  hfy_status status = hfy_structure_ready_(s);
  double pivot, own_infinite, infinite, own;
  size_t i, alone;
  *slack = -HUGE_VAL;
  if (status) return status;
  status = hfy_structure_take_list_(s, on, count);
  if (status) return s->fault == HFY_STRUCTURE_MASKED_ && count ? HFY_OK : status; /* masked: never the solution */
  for (i = 0; i < s->fresh_unaries; i++) s->c[s->fresh[i]] -= s->rho;
  hfy_structure_border_(s, &pivot);
  hfy_structure_join_(s, 1, pivot);
  status = hfy_structure_ask_(s); /* its answer replaces the list */
  if (status) return status;
  own = hfy_structure_parts_score_(s, 0, &own_infinite) - hfy_structure_parts_score_(s, SIZE_MAX, &infinite);
  own += hfy_structure_apart_(s, 0, &alone);
  own -= s->rho * (double)alone;
  if (!(own_infinite < infinite)) *slack = own < 0 ? own : 0;
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_structure_margin(const hfy_structure *structure, double rho, const double *unary,
                                                   const double *higher, const size_t *on, size_t count, double *slack,
                                                   hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_structure_solver_ s;
  const char *missing = !on && count ? "on" : !slack ? "slack" : NULL;
  hfy_status status = hfy_structure_begin_(structure, rho, unary, higher, missing, 1, &s, w);
  double value;
  if (!status) status = hfy_structure_failed_(w, hfy_structure_lead_(&s, on, count, &value), &s);
  if (!status) *slack = value;
  return hfy_base_close_(w, &local, status);
}

#undef HFY_STRUCTURE_STEP_

#endif /* HFY_HAS_STRUCTURE_ */

#ifdef HFY_HAS_SEP_
/* ------------------------------------------------------------------------------------------------------------------
   >>sep.impl   from scores to weights: rows x n in, rows x n out
   May call: base, simd, structure if it is there.
   Numerics: every threshold is solved in double and in distances from the maximum, d_i = max(theta) - theta_i, so
   large scores lose nothing. Only scores within the margin can get weight: a row is first cut down to that window.
   Newton's method starts right of the root of a convex increasing function and walks down to it, dropping the entries
   that reach 0; they never come back. Jensen's inequality gives a start that is exact when all scores are equal.
   Solutions with few nonzeros are lists, index[0..count) ascending and weight[] in double; others n hfy_real.
   ------------------------------------------------------------------------------------------------------------------ */

/* The ways a row is solved: kinds with their special parameters told apart; those from LINE on end in a list. */
typedef enum hfy_sep_method_ {
  HFY_SEP_BY_SOFTMAX_, HFY_SEP_BY_UNIFORM_, HFY_SEP_BY_IDENTITY_, HFY_SEP_BY_POWER_, HFY_SEP_BY_EXP_,
  HFY_SEP_BY_LINE_,     /* p = t - d: sparsemax */
  HFY_SEP_BY_TIES_,     /* uniform over the exact maxima */
  HFY_SEP_BY_TSALLIS_,  /* alpha-entmax, alpha not 1, 2 or infinity */
  HFY_SEP_BY_NORM_,     /* gamma-normmax, 1 < gamma < infinity */
  HFY_SEP_BY_MAXNORM_,  /* gamma = infinity */
  HFY_SEP_BY_TOP_,      /* the k largest */
  HFY_SEP_BY_BOX_,      /* projection onto {lower <= y <= upper, sum y = k} */
  HFY_SEP_BY_STRUCTURE_ /* SparseMAP */
} hfy_sep_method_;

struct hfy_structure_solver_;
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
  double top;     /* the largest score of the row; of kinds by rank and boxes, once solved, a score near the edge */
  double root;    /* NORM: its t; SparseMAP: Omega* */
  /* SparseMAP: the solver of the last row, that of the first row without an answer (or NULL), the most that a link
     needs beside them, the first link's number of higher-order scores; SEQUENCE_KSUBSETS as a structure */
  struct hfy_structure_solver_ *solver, *failed;
  void *structured;
  size_t structured_bytes, higher;
  hfy_structure sequence;
} hfy_sep_scratch_;

/* A vector-Jacobian product of one row: theta and y, its prediction (NULL where a kind does not need it), v; and
   out = J^T v, or NULL; it may be v, or y. */
typedef struct hfy_sep_row_ {
  const hfy_real *theta, *y, *v;
  hfy_real *out;
  size_t n, row;
} hfy_sep_row_;

HFY_PRIVATE_ int hfy_sep_has_bounds_(const hfy_sep *sep) {
  return (sep->kind == HFY_SEP_SPARSEMAX || sep->kind == HFY_SEP_KSUBSETS) && (sep->upper || sep->lower);
}

/* The separation with its defaults filled in, without looking at ranges. */
HFY_COLD_ hfy_sep hfy_sep_resolve_(const hfy_sep *sep) {
  hfy_sep full = *sep;
  const hfy_sep_kind kind = sep->kind;
  int counts = kind == HFY_SEP_KSUBSETS || kind == HFY_SEP_SEQUENCE_KSUBSETS || kind == HFY_SEP_ARGMAX;
  full.k = counts ? hfy_base_default_(sep->k, 1) : 1;
  full.alpha = hfy_base_default_(sep->alpha, 1.5);
  full.gamma = hfy_base_default_(sep->gamma, 2);
  full.degree = hfy_base_default_(sep->degree, 3);
  full.rho = kind == HFY_SEP_SPARSEMAX ? 1 : hfy_base_default_(sep->rho, 1); /* its box has sum 1 */
  return full;
}

HFY_PRIVATE_ HFY_SIMD_NOINLINE_ hfy_sep_method_ hfy_sep_method_of_(const hfy_sep *full) {
  const double alpha = full->alpha, gamma = full->gamma;
  if (hfy_sep_has_bounds_(full)) return HFY_SEP_BY_BOX_;
  switch (full->kind) {
  case HFY_SEP_SOFTMAX: return HFY_SEP_BY_SOFTMAX_;
  case HFY_SEP_SPARSEMAX: return HFY_SEP_BY_LINE_;
  case HFY_SEP_ENTMAX:
    if (hfy_base_is_pos_inf_(alpha)) return HFY_SEP_BY_TIES_;
    if (alpha >= 1 && alpha <= 1) return HFY_SEP_BY_SOFTMAX_;
    return alpha >= 2 && alpha <= 2 ? HFY_SEP_BY_LINE_ : HFY_SEP_BY_TSALLIS_;
  case HFY_SEP_NORMMAX:
    if (hfy_base_is_pos_inf_(gamma)) return HFY_SEP_BY_MAXNORM_;
    return gamma > 1 ? HFY_SEP_BY_NORM_ : HFY_SEP_BY_TIES_;
  case HFY_SEP_KSUBSETS: return HFY_SEP_BY_BOX_;
  case HFY_SEP_SEQUENCE_KSUBSETS:
  case HFY_SEP_SPARSEMAP: return HFY_SEP_BY_STRUCTURE_;
  case HFY_SEP_IDENTITY: return HFY_SEP_BY_IDENTITY_;
  case HFY_SEP_POWER: return HFY_SEP_BY_POWER_;
  case HFY_SEP_EXP: return HFY_SEP_BY_EXP_;
  case HFY_SEP_ARGMAX: return HFY_SEP_BY_TOP_;
  default: return HFY_SEP_BY_UNIFORM_;
  }
}

HFY_PRIVATE_ int hfy_sep_is_list_(const hfy_sep *full) {
  return !full->plus && hfy_sep_method_of_(full) >= HFY_SEP_BY_LINE_;
}

/* Is y the prediction that is in s->row? */
HFY_COLD_ int hfy_sep_same_(const hfy_real *y, size_t n, const hfy_sep_scratch_ *s) {
  size_t i;
  int same = 1;
  for (i = 0; i < n; i++) same &= !(y[i] < s->row[i]) && !(y[i] > s->row[i]);
  return same;
}

/* --- structured kinds: SparseMAP of a row; the solver keeps the mixture, the value and the gap --- */

#ifdef HFY_HAS_STRUCTURE_
#define HFY_IF_STRUCTURE_(call) call
/* The structure of a structured kind; a sequence is made in *sequence. */
HFY_COLD_ const hfy_structure *hfy_sep_structure_of_(const hfy_sep *full, size_t n, hfy_structure *sequence) {
  if (full->kind == HFY_SEP_SPARSEMAP) return full->structure;
  *sequence = hfy_structure_sequence(n, (size_t)full->k);
  if (full->structure) {
    sequence->tol = full->structure->tol;
    sequence->max_steps = full->structure->max_steps;
    sequence->max_active = full->structure->max_active;
  }
  return sequence;
}

/* What only structured kinds can have wrong. */
HFY_COLD_ hfy_status hfy_sep_check_structure_(const hfy_sep *full, size_t n, const char *where, hfy_work *work) {
  char longer[64];
  hfy_structure sequence;
  const hfy_structure *structure;
  size_t i, at = hfy_base_put_(longer, sizeof longer, 0, where);
  hfy_status status;
  if (full->kind == HFY_SEP_SPARSEMAP && !full->structure)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%sstructure is NULL", where);
  if (full->structure) hfy_base_put_(longer, sizeof longer, at, "structure->");
  structure = hfy_sep_structure_of_(full, n, &sequence);
  status = hfy_structure_check_(structure, longer, work);
  if (status) return status;
  if (structure->unaries != n)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%sunaries is %z; it should be n, %z", longer, structure->unaries, n);
  if (hfy_base_is_nan_(full->transition))
    return hfy_base_fail_(work, HFY_ERR_ARG, "%stransition is NaN; it should be a number", where);
  for (i = 0; full->transitions && i < structure->higher; i++)
    if (hfy_base_is_nan_((double)full->transitions[i]))
      return hfy_base_fail_(work, HFY_ERR_ARG, "%stransitions: entry %z is NaN; it should be a number", where, i);
  return HFY_OK;
}

/* Takes a solver from s->structured or, while that is NULL, only counts. One that failed stays for the message. */
HFY_COLD_ hfy_status hfy_sep_plan_structure_(const hfy_sep *full, size_t n, hfy_sep_scratch_ *s) {
  hfy_base_arena_ arena = {(unsigned char *)s->structured, 0, 0};
  const hfy_structure *structure = hfy_sep_structure_of_(full, n, &s->sequence);
  hfy_structure_solver_ counted, *two = HFY_TAKE_(&arena, hfy_structure_solver_, 2);
  s->solver = two ? two + (s->failed == two) : NULL;
  hfy_structure_plan_(&arena, structure, hfy_structure_room_(structure), s->solver ? s->solver : &counted);
  if (arena.used > s->structured_bytes) s->structured_bytes = arena.used;
  s->higher = structure->higher;
  return HFY_OK;
}

/* The solver for rows of n, with the higher-order scores in place. */
HFY_COLD_ hfy_structure_solver_ *hfy_sep_solver_(const hfy_sep *full, size_t n, hfy_sep_scratch_ *s) {
  size_t i;
  hfy_sep_plan_structure_(full, n, s);
  s->solver->rho = full->rho;
  for (i = 0; i < s->higher; i++)
    s->solver->raw[i] = full->transitions ? (double)full->transitions[i] : full->transition;
  return s->solver;
}

HFY_COLD_ hfy_status hfy_sep_structured_(const hfy_sep *full, const hfy_real *theta, size_t n, hfy_sep_scratch_ *s) {
  hfy_structure_solver_ *solver = hfy_sep_solver_(full, n, s);
  hfy_status status;
  size_t i;
  for (i = 0; i < n; i++) solver->unary[i] = (double)theta[i];
  status = hfy_structure_run_(solver);
  if (status) return status;
  s->root = solver->value;
  for (i = 0, s->count = 0; i < n; i++) {
    if (!(solver->u[i] > 0)) continue;
    s->index[s->count] = i;
    s->weight[s->count++] = solver->u[i];
  }
  return HFY_OK;
}

/* Omega of a row: rho/2 |y|^2 less the most that parts which go with y can score. Without such scores the domain is
   told by projecting onto it; with them only vertices have a value: the oracle is made to find them. */
HFY_COLD_ hfy_status hfy_sep_structured_omega_(const hfy_sep *full, const hfy_real *y, size_t n, double *value,
                                               hfy_sep_scratch_ *s) {
  hfy_structure_solver_ *solver = hfy_sep_solver_(full, n, s);
  double square = 0, sum = 0, largest = 0, force;
  size_t i;
  int vertex = 1, plain = 1, inside = 1, sequence = full->kind == HFY_SEP_SEQUENCE_KSUBSETS;
  hfy_status status;
  for (i = 0; i < n; i++) {
    double v = (double)y[i];
    square += v * v;
    sum += v;
    vertex &= fabs(v) <= 1e-6 || fabs(v - 1) <= 1e-6;
    inside &= v >= -1e-6 && v <= 1 + 1e-6;
  }
  for (i = 0; i < s->higher; i++) {
    double raw = fabs(solver->raw[i]);
    plain &= !(raw > 0);
    if (hfy_base_is_finite_(raw) && raw > largest) largest = raw;
  }
  *value = HUGE_VAL;
  if (!inside || (sequence && fabs(sum - full->k) > 1e-6 * full->k)) return HFY_OK;
  if (!vertex && !plain) return HFY_ERR_UNSUPPORTED;
  *value = 0.5 * full->rho * square;
  if (sequence) { /* every such y is in the hull */
    for (i = 0; !plain && i + 1 < n; i++)
      if (hfy_base_is_finite_(solver->raw[i]) && (double)y[i] > 0.5 && (double)y[i + 1] > 0.5) *value -= solver->raw[i];
    return HFY_OK;
  }
  force = 1 + 2 * largest * (double)solver->structure->most; /* more than all parts together can score */
  for (i = 0; i < n; i++) solver->unary[i] = plain ? full->rho * (double)y[i] : (double)y[i] > 0.5 ? force : -force;
  status = plain ? hfy_structure_run_(solver) : hfy_structure_first_(solver);
  if (status) return status;
  for (i = 0; plain && i < n; i++) inside &= fabs(solver->u[i] - (double)y[i]) <= 1e-6;
  if (!plain) {
    for (i = 0; i < solver->fresh_unaries; i++) inside &= (double)y[solver->fresh[i]] > 0.5;
    for (; i < solver->fresh_bits; i++) *value -= solver->raw[solver->fresh[i] - n];
    inside &= fabs(sum - (double)solver->fresh_unaries) <= 1e-6 * (double)n;
  }
  if (!inside) *value = HUGE_VAL;
  return HFY_OK;
}

/* The loss of a row against y: the prediction is in s->row, the mixture in the solver. */
HFY_COLD_ hfy_status hfy_sep_structured_loss_(const hfy_sep *full, const hfy_real *theta, const hfy_real *y, size_t n,
                                              double *value, hfy_sep_scratch_ *s) {
  const hfy_structure_solver_ *solver = s->solver;
  double sum = 0, omega, infinite;
  size_t i, v;
  int masked = 0;
  hfy_status status;
  *value = 0;
  if (hfy_sep_same_(y, n, s)) return HFY_OK;
  for (i = 0; i < n; i++) { /* Omega* less theta.y in differences of scores, before the solver is used again */
    double u = solver->u[i], t = (double)y[i];
    if (hfy_base_is_neg_inf_((double)theta[i]))
      masked |= t < 0 || t > 0;
    else
      sum += (u - t) * solver->apart[i] - 0.5 * full->rho * u * u;
  }
  for (v = 0; v < solver->count; v++) sum += solver->weight[v] * hfy_structure_parts_score_(solver, v, &infinite);
  status = hfy_sep_structured_omega_(full, y, n, &omega, s);
  if (status) return status;
  if (hfy_base_is_nan_(sum)) return HFY_ERR_UNSUPPORTED;
  *value = masked || hfy_base_is_pos_inf_(omega) ? HUGE_VAL : sum + omega;
  if (!(*value > 0)) *value = 0;
  return HFY_OK;
}

/* As hfy_sep_link_vjp_, from the mixture that the solver still holds. Overwrites s->weight. */
HFY_COLD_ hfy_status hfy_sep_structured_vjp_(const hfy_sep_row_ *row, const hfy_sep_grad *grad, hfy_sep_scratch_ *s) {
  hfy_structure_solver_ *solver = s->solver;
  size_t i, j;
  for (i = 0; i < row->n; i++) s->weight[i] = (double)row->v[i];
  hfy_structure_weights_vjp_(solver, s->weight);
  hfy_structure_mix_(solver, solver->side);
  for (i = 0; row->out && i < row->n; i++) row->out[i] = (hfy_real)solver->u[i];
  for (j = 0; j < solver->count; j++)
    for (i = solver->vertex[j].unaries; i < solver->vertex[j].bits; i++) {
      if (grad->transition) *grad->transition += solver->side[j];
      if (grad->transitions) grad->transitions[hfy_structure_on_(solver, j)[i] - row->n] += solver->side[j];
    }
  return HFY_OK;
}

HFY_COLD_ hfy_status hfy_sep_unsolved_(hfy_work *work, const char *what, size_t row,
                                       const hfy_structure_solver_ *solver) {
  return hfy_base_fail_(work, HFY_ERR_CONVERGENCE,
                        "%s %z: SparseMAP %s; the gap is still %g after %z steps, with %z vertices", what, row,
                        solver->fault == HFY_STRUCTURE_STEPS_     ? "met structure->max_steps"
                        : solver->fault == HFY_STRUCTURE_CROWDED_ ? "met structure->max_active"
                                                                  : "got an answer that is not the best",
                        solver->gap, solver->steps, solver->count);
}
#else /* never called: such kinds do not pass the check */
#define HFY_IF_STRUCTURE_(call) HFY_ERR_UNSUPPORTED
HFY_COLD_ hfy_status hfy_sep_check_structure_(const hfy_sep *full, size_t n, const char *where, hfy_work *work) {
  (void)full;
  (void)n;
  return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "%skind needs the room structure: define HFY_ONLY_STRUCTURE", where);
}
#endif

/* --- checks --- */

/* The box of one row: lower[i] <= y[i] <= upper[i]; NULL: 0, and cap. */
typedef struct hfy_sep_bounds_ {
  const double *lower, *upper;
  double cap;
} hfy_sep_bounds_;

HFY_PRIVATE_ hfy_sep_bounds_ hfy_sep_bounds_of_(const hfy_sep *full, size_t row) {
  hfy_sep_bounds_ box = {NULL, NULL, full->kind == HFY_SEP_KSUBSETS ? 1 : HUGE_VAL};
  if (full->lower) box.lower = full->lower + row * full->bound_stride;
  if (full->upper) box.upper = full->upper + row * full->bound_stride;
  return box;
}

HFY_PRIVATE_ double hfy_sep_low_(const hfy_sep_bounds_ *b, size_t i) { return b->lower ? b->lower[i] : 0; }
HFY_PRIVATE_ double hfy_sep_high_(const hfy_sep_bounds_ *b, size_t i) { return b->upper ? b->upper[i] : b->cap; }

HFY_COLD_ hfy_status hfy_sep_check_bounds_(const hfy_sep *full, size_t rows, size_t n, const char *where,
                                           hfy_work *work) {
  size_t r, i, bound_rows = full->bound_stride ? rows : hfy_base_min_(rows, 1);
  if (full->bound_stride && full->bound_stride < n)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%sbound_stride is %z; it should be 0 or at least n, %z", where,
                          full->bound_stride, n);
  if (!hfy_base_fits_(bound_rows, full->bound_stride, sizeof(double)))
    return hfy_base_fail_(work, HFY_ERR_ARG, "%sbound_stride is %z: %z rows of it cannot exist", where,
                          full->bound_stride, rows);
  for (r = 0; r < bound_rows; r++) {
    const hfy_sep_bounds_ box = hfy_sep_bounds_of_(full, r);
    for (i = 0; i < n; i++) {
      const double low = hfy_sep_low_(&box, i), high = hfy_sep_high_(&box, i);
      if (low >= 0 && low <= high && hfy_base_is_finite_(low)) continue;
      return hfy_base_fail_(work, HFY_ERR_ARG,
                            "%sbounds: those of entry %z in row %z are %g and %g; 0 <= lower <= upper should hold",
                            where, i, r, low, high);
    }
  }
  return HFY_OK;
}

/* Checks one link for rows of n. */
HFY_COLD_ hfy_status hfy_sep_check_link_(const hfy_sep *full, size_t rows, size_t n, const char *where,
                                         hfy_work *work) {
  const int structured = full->kind == HFY_SEP_SEQUENCE_KSUBSETS || full->kind == HFY_SEP_SPARSEMAP;
  const int subsets = full->kind == HFY_SEP_KSUBSETS;
  if ((unsigned)full->kind > HFY_SEP_UNIFORM)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%skind is %z; it should be one of hfy_sep_kind", where,
                          (size_t)full->kind);
  if (full->kind == HFY_SEP_ENTMAX && !(full->alpha > 0))
    return hfy_base_should_(work, where, "alpha", full->alpha, "above 0");
  if (full->kind == HFY_SEP_NORMMAX && !(full->gamma >= 1))
    return hfy_base_should_(work, where, "gamma", full->gamma, "at least 1");
  if (full->kind == HFY_SEP_POWER && !(full->degree > 1 && hfy_base_is_finite_(full->degree)))
    return hfy_base_should_(work, where, "degree", full->degree, "above 1 and finite");
  if ((subsets || structured) && !(full->rho > 0 && hfy_base_is_finite_(full->rho)))
    return hfy_base_should_(work, where, "rho", full->rho, "above 0 and finite");
  if (!(full->k > 0 && full->k <= (double)n && (subsets || (full->k >= 1 && full->k <= floor(full->k)))))
    return hfy_base_fail_(work, HFY_ERR_ARG, "%sk is %g; it should be %s n, %z", where, full->k,
                          subsets ? "above 0 and at most" : "a whole number from 1 to", n);
  if (structured) return hfy_sep_check_structure_(full, n, where, work);
  return hfy_sep_has_bounds_(full) ? hfy_sep_check_bounds_(full, rows, n, where, work) : HFY_OK;
}

/* Checks a separation for rows of n (and its chain of `plus`); `where` begins its members' names: "sep->". */
HFY_COLD_ hfy_status hfy_sep_check_(const hfy_sep *sep, size_t rows, size_t n, const char *where, hfy_work *work) {
  hfy_status status = HFY_OK;
  size_t links = 0;
  for (; sep && !status; sep = sep->plus) {
    const hfy_sep full = hfy_sep_resolve_(sep);
    if (++links > 64) return hfy_base_fail_(work, HFY_ERR_ARG, "%splus: a chain of more than 64, or a ring", where);
    status = hfy_sep_check_link_(&full, rows, n, where, work);
  }
  return status;
}

/* Takes the arrays that any link of the chain needs. own_row: a prediction is wanted besides the caller's array. */
HFY_COLD_ void hfy_sep_plan_(hfy_base_arena_ *arena, const hfy_simd_ *simd, const hfy_sep *sep, size_t n, int own_row,
                             hfy_sep_scratch_ *s) {
  int list = 0, sorts = 0, powers = 0, bounds = 0, plus = sep->plus != NULL;
  memset(s, 0, sizeof *s);
  s->simd = simd;
  for (; sep; sep = sep->plus) {
    hfy_sep full = hfy_sep_resolve_(sep);
    hfy_sep_method_ method = hfy_sep_method_of_(&full);
    if (method == HFY_SEP_BY_STRUCTURE_) (void)HFY_IF_STRUCTURE_(hfy_sep_plan_structure_(&full, n, s));
    list |= method >= HFY_SEP_BY_LINE_;
    sorts |= method > HFY_SEP_BY_NORM_ || (method == HFY_SEP_BY_TSALLIS_ && full.alpha > 2);
    powers |= method == HFY_SEP_BY_TSALLIS_ || method == HFY_SEP_BY_NORM_;
    bounds |= hfy_sep_has_bounds_(&full);
  }
  s->index = HFY_TAKE_(arena, size_t, list ? n : 0);
  s->weight = HFY_TAKE_(arena, double, list ? n : 0);
  s->sorted = HFY_TAKE_(arena, double, sorts ? n : 0);
  s->low = HFY_TAKE_(arena, double, bounds ? n : 0);
  s->high = HFY_TAKE_(arena, double, bounds ? n : 0);
  s->power = HFY_TAKE_(arena, double, powers ? n : 0);
  s->sum = HFY_TAKE_(arena, double, plus ? n : 0);
  s->row = HFY_TAKE_(arena, hfy_real, plus || own_row ? n : 0);
  s->structured = hfy_base_take_(arena, s->structured_bytes, 1);
}

/* --- the row as a whole --- */

/* The largest score, and whether the row can be answered at all. */
HFY_PRIVATE_ hfy_status hfy_sep_top_(const hfy_simd_ *simd, const hfy_real *theta, size_t n, hfy_real *tops,
                                     double *top) {
  *top = (double)simd->max(theta, n, tops);
  if (hfy_base_is_nan_(*top) || hfy_base_is_pos_inf_(*top)) return HFY_ERR_NONFINITE;
  return hfy_base_is_neg_inf_(*top) ? HFY_ERR_ARG : HFY_OK;
}

HFY_PRIVATE_ double hfy_sep_mean_(const double *d, size_t count) {
  double sum = 0;
  size_t i;
  for (i = 0; i < count; i++) sum += d[i];
  return sum / (double)count;
}

/* Keeps the entries of the list that are above 0, divided by `sum`. */
HFY_PRIVATE_ hfy_status hfy_sep_keep_(hfy_sep_scratch_ *s, double sum) {
  size_t i, kept = 0;
  for (i = 0; i < s->count; i++) {
    if (!(s->weight[i] > 0)) continue;
    s->weight[kept] = s->weight[i] / sum;
    s->index[kept++] = s->index[i];
  }
  s->count = kept;
  return HFY_OK;
}

/* --- simplex kinds: s->index and s->weight hold the window's indices and distances, and become the solution --- */

/* p = t - d, sum p = 1: Newton's method, which is Michelot's algorithm, ends after finitely many steps. */
HFY_PRIVATE_ void hfy_sep_line_(hfy_sep_scratch_ *s) {
  size_t i, before;
  double t;
  do {
    before = s->count;
    t = hfy_sep_mean_(s->weight, s->count) + 1 / (double)s->count;
    s->count = s->simd->keep_below(s->weight, s->index, s->count, t);
  } while (s->count < before);
  for (i = 0; i < s->count; i++) s->weight[i] = t - s->weight[i];
}

/* A step of Newton's method to `next`, down, or up; 0: there is none, or it was the last. */
HFY_PRIVATE_ int hfy_sep_step_(double *x, double next, int up) {
  double before = *x;
  if (!(up ? next > before : next < before)) return 0;
  *x = next;
  return fabs(before - next) > 4e-16 * before;
}

/* p = t - d, sum p^2 = 1: 2-normmax, and what 1.5-entmax is the square of. */
HFY_PRIVATE_ void hfy_sep_cone_(hfy_sep_scratch_ *s) {
  double t = hfy_sep_mean_(s->weight, s->count) + 1 / sqrt((double)s->count), sums[3];
  size_t i;
  int step;
  if (t > 1) t = 1;
  for (step = 0; step < 200; step++) {
    s->count = s->simd->keep_below(s->weight, s->index, s->count, t);
    s->simd->below(s->weight, s->count, t, sums);
    if (!hfy_sep_step_(&t, t - (sums[2] - 1) / (2 * sums[1]), 0)) break;
  }
  s->count = s->simd->keep_below(s->weight, s->index, s->count, t);
  for (i = 0; i < s->count; i++) s->weight[i] = t - s->weight[i];
}

/* alpha-entmax, 0 < alpha < 2, alpha != 1: with a = alpha - 1 and s the largest weight, p_i = (s^a - a d_i)_+^(1/a)
   = s b_i^(1/a), b_i = 1 - a s^-a d_i. Convex in s for a > 0 (walk down), concave for a < 0 (walk up from 1/n). */
HFY_COLD_ void hfy_sep_tsallis_(hfy_sep_scratch_ *s, double alpha) {
  double a = alpha - 1, n = (double)s->count, big = 1 / n, sums[2], u;
  size_t i;
  int step;
  if (alpha >= 1.5 && alpha <= 1.5) { /* p = (t - d/2)^2 */
    for (i = 0; i < s->count; i++) s->weight[i] *= 0.5;
    hfy_sep_cone_(s);
    for (i = 0; i < s->count; i++) s->weight[i] *= s->weight[i];
    return;
  }
  if (a > 0) {
    big = exp(log1p(a * hfy_sep_mean_(s->weight, s->count) + expm1(-a * log(n))) / a); /* Jensen */
    if (!(big < 1)) big = 1;
  }
  for (step = 0; step < 200; step++) {
    u = a * exp(-a * log(big));
    if (a > 0) s->count = s->simd->keep_below(s->weight, s->index, s->count, 1 / u);
    s->simd->powers(s->weight, s->count, u, 1 / a, s->power, sums);
    if (!hfy_sep_step_(&big, big - (big * sums[0] - 1) / sums[1], a < 0)) break;
  }
  s->simd->powers(s->weight, s->count, a * exp(-a * log(big)), 1 / a, s->weight, sums); /* the scale big drops out */
}

/* alpha-entmax, alpha > 2: infinite slopes where an entry enters the support. So find the support first, from the
   sorted distances, then solve for its smallest weight u: p_i = (u^a + a (d_k - d_i))^(1/a). What decides is a
   difference of two stored distances, so entry k meets itself at exactly 0, whatever a compiler fuses or keeps wide. */
HFY_COLD_ void hfy_sep_steep_(hfy_sep_scratch_ *s, double alpha) {
  double a = alpha - 1, *sorted = s->sorted, edge, u, ua, next, g, slope;
  size_t lo = 0, hi = s->count, i;
  int step;
  memcpy(sorted, s->weight, s->count * sizeof *sorted);
  hfy_base_sort_(sorted, s->count);
  while (hi - lo > 1) { /* the largest k with sum over i < k of (a (d_k - d_i))^(1/a) < 1 */
    size_t mid = lo + (hi - lo) / 2;
    double sum = 0;
    for (i = 0; i < mid && sum < 1; i++) sum += pow(a * (sorted[mid] - sorted[i]), 1 / a);
    *(sum < 1 ? &lo : &hi) = mid;
  }
  edge = sorted[lo];
  u = 1 / (double)(lo + 1);
  for (step = 0; step < 200; step++) {
    ua = pow(u, a);
    g = u - 1;
    slope = 1;
    for (i = 0; i < lo; i++) {
      double rise = edge - sorted[i], p = rise > 0 ? pow(ua + a * rise, 1 / a) : u; /* ties: u^a may underflow */
      g += p;
      slope += p > u ? pow(u / p, a - 1) : 1;
    }
    next = u - g / slope;
    if (!hfy_sep_step_(&u, next > 0 || !(next < u) ? next : 0, 0) || !(u > 0)) break;
  }
  ua = pow(u, a);
  for (i = 0; i < s->count; i++) {
    double rise = edge - s->weight[i];
    s->weight[i] = rise > 0 ? pow(ua + a * rise, 1 / a) : rise < 0 ? 0 : u;
  }
}

/* gamma-normmax: t with |(t - d)_+|_e = 1, e = gamma/(gamma-1); p ~ (t - d)_+^(1/(gamma-1)). Scaled by the largest
   entry t so that nothing underflows as gamma -> 1. (HFY Algorithm 4 with its exponent mended, eq. 30-33) */
HFY_COLD_ void hfy_sep_norm_(hfy_sep_scratch_ *s, double gamma) {
  double a = gamma - 1, e = gamma / a, sums[2];
  double t = hfy_sep_mean_(s->weight, s->count) + exp(-log((double)s->count) / e);
  int step;
  if (gamma >= 2 && gamma <= 2) {
    hfy_sep_cone_(s);
    return;
  }
  if (t > 1) t = 1;
  for (step = 0; step < 200; step++) {
    s->count = s->simd->keep_below(s->weight, s->index, s->count, t);
    s->simd->powers(s->weight, s->count, 1 / t, e, s->power, sums);
    if (!hfy_sep_step_(&t, t - (t * pow(sums[0], 1 / e) - 1) * pow(sums[0], 1 / gamma) / sums[1], 0)) break;
  }
  s->root = t;
  s->simd->powers(s->weight, s->count, 1 / t, 1 / a, s->weight, sums);
}

/* gamma = infinity: uniform over the top m, the first m at which the sum of the gaps to the next score reaches 1. */
HFY_COLD_ void hfy_sep_maxnorm_(hfy_sep_scratch_ *s) {
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

/* --- projection onto a box cut by a plane (constrained sparsemax, k-subsets) --- */

/* min 1/2|y - v|^2 over lower <= y <= upper, sum y = budget: y = clip(v - tau, lower, upper), a tau that fits lies
   between `left` and 0. s->weight holds v and gets y. The sum falls in tau, piecewise linearly: Newton's method inside
   that bracket, which is halved where a step would leave it; a handful of steps. v is measured from a score near the
   root, so that tau and all that is free are of the size of the weights; infinite v are at a bound for sure. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_sep_box_(hfy_sep_scratch_ *s, const hfy_sep_bounds_ *box, double budget,
                                                  double left) {
  double right = 0, tau = 0.125 * left, sums[2], next, *v = s->weight; /* sum(left) >= budget >= sum(right) */
  size_t i, n = s->count;
  int step, stands = 0;
  for (step = 0; step < 300; step++) {
    s->simd->clip(v, box->lower, box->upper, box->cap, n, tau, sums);
    if (sums[0] >= budget) left = tau;
    if (sums[0] <= budget) right = tau;
    next = sums[1] > 0 ? tau + (sums[0] - budget) / sums[1] : tau;
    if (sums[1] > 0 && fabs(next - tau) <= 4e-16 * fabs(tau)) break;
    if (!(next > left && next < right)) next = left + 0.5 * (right - left);
    if (!(next > left && next < right)) break; /* nothing is left between */
    tau = next;
  }
  /* tau again from the classes, with a compensated sum (Knuth): the path of the search leaves no trace */
  for (step = 0; step < 4 && !stands; step++) {
    size_t free_count = 0;
    double sum = -budget, lost = 0;
    for (i = 0; i < n; i++) {
      double low = hfy_sep_low_(box, i), high = hfy_sep_high_(box, i), y = v[i] - tau;
      free_count += y < high && y > low;
      hfy_base_add_(y >= high ? high : y <= low ? low : v[i], &sum, &lost);
    }
    next = free_count ? (sum + lost) / (double)free_count : tau;
    stands = !(next < tau) && !(next > tau);
    tau = next;
  }
  for (i = 0; i < n; i++) {
    double low = hfy_sep_low_(box, i), high = hfy_sep_high_(box, i), y = v[i] - tau;
    double snap = 4e-16 * (fabs(v[i]) + fabs(tau)); /* exact bounds make exact retrieval */
    v[i] = y >= high ? high : y <= low ? low : y >= high - snap ? high : y <= low + snap ? low : y;
  }
}

/* k-subsets without bounds, from the scores: only those within rho of the ceil(k)-th best can be fractional. */
HFY_PRIVATE_ hfy_status hfy_sep_ksubsets_(double k, double rho, hfy_sep_scratch_ *s) {
  const hfy_sep_bounds_ box = {NULL, NULL, 1};
  size_t i, ones = 0, kept = 0, up = (size_t)ceil(k), entries = 0, count = s->count, *index = s->index;
  double kth, *weight = s->weight, *sorted = s->sorted;
  if (up > count) return HFY_ERR_ARG;
  memcpy(sorted, weight, count * sizeof *sorted);
  kth = s->top = hfy_base_kth_largest_(sorted, count, up);
  /* the window goes to the front for the projection; sorted remembers all */
  for (i = 0; i < count; i++) {
    double above = weight[i] - kth;
    size_t partly = above > -rho, one = above >= rho;
    sorted[entries] = one ? HUGE_VAL : above; /* asked once: `above` may be wider than what is stored */
    index[entries] = index[i];
    weight[kept] = above / rho;
    entries += partly;
    ones += one;
    kept += partly - one;
  }
  s->count = kept;
  k -= (double)ones;
  hfy_sep_box_(s, &box, k, k < 1 ? -k : -1); /* the weight of the ceil(k)-th best is -tau */
  for (i = 0, kept = 0; i < entries; i++) sorted[i] = sorted[i] < HUGE_VAL ? weight[kept++] : 1;
  memcpy(weight, sorted, entries * sizeof *weight);
  s->count = entries;
  return hfy_sep_keep_(s, 1);
}

/* The least of the m scores in s->sorted, which get lost, that as a threshold is not below the root: the sum of
   clip((score - threshold)/rho, lower, upper) does not exceed the budget. Scores are only compared and subtracted from
   each other, so they may be large. O(count log m). */
HFY_COLD_ double hfy_sep_pivot_(const hfy_sep_scratch_ *s, const hfy_sep_bounds_ *box, double rho, double budget,
                                size_t m) {
  double best = s->top;
  const int scaled = rho < 1 || rho > 1;
  while (m) {
    double sums[2] = {0, 0}, at = hfy_base_kth_largest_(s->sorted, m, (m + 1) / 2);
    size_t i, kept = 0;
    int above;
    if (!scaled) s->simd->clip(s->weight, box->lower, box->upper, box->cap, s->count, at, sums);
    for (i = 0; scaled && i < s->count && sums[0] <= budget; i++) {
      double low = hfy_sep_low_(box, i), high = hfy_sep_high_(box, i), y = (s->weight[i] - at) / rho;
      sums[0] += y >= high ? high : y > low ? y : low;
    }
    above = sums[0] <= budget;
    if (above) best = at;
    for (i = 0; i < m; i++)
      if (above ? s->sorted[i] < at : s->sorted[i] > at) s->sorted[kept++] = s->sorted[i];
    m = kept;
  }
  return best;
}

/* With bounds: every entry takes part; masked ones get their lower bound. */
HFY_COLD_ hfy_status hfy_sep_bounded_(const hfy_sep *full, const hfy_real *theta, size_t n, size_t row,
                                      hfy_sep_scratch_ *s) {
  hfy_sep_bounds_ box = hfy_sep_bounds_of_(full, row);
  const double *lower = box.lower, forgiven = 1e-9 * full->k;
  double budget = full->k, low_sum = 0, high_sum = 0, largest = 0, reach, near_by, sums[2], *weight = s->weight;
  size_t i, count = 0;
  for (i = 0; i < n; i++) {
    double low = hfy_sep_low_(&box, i), high = hfy_sep_high_(&box, i);
    if (hfy_base_is_neg_inf_((double)theta[i])) {
      budget -= low;
      continue;
    }
    low_sum += low;
    high_sum += high;
    if (high > largest) largest = high;
    s->low[count] = low; /* bounds of what is left, side by side */
    s->high[count] = high;
    s->index[count] = i;
    weight[count++] = ((double)theta[i] - s->top) / full->rho;
  }
  s->count = count;
  if (box.lower) box.lower = s->low;
  if (box.upper) box.upper = s->high;
  if (low_sum > budget + forgiven || high_sum < budget - forgiven) return HFY_ERR_INFEASIBLE;
  if (low_sum >= budget || high_sum <= budget) { /* rounding of repeated subtraction is forgiven */
    memcpy(weight, high_sum <= budget ? s->high : s->low, count * sizeof *weight);
  } else {
    /* the root is no further below some score than the largest weight; mostly the top is that score, or near it */
    reach = largest < budget ? largest : budget;
    near_by = 8 * (budget < 1 ? budget : 1);
    s->simd->clip(weight, box.lower, box.upper, box.cap, count, -near_by, sums);
    if (sums[0] >= budget) {
      reach = near_by;
    } else {
      for (i = 0; i < count; i++) s->sorted[i] = weight[i] = (double)theta[s->index[i]];
      s->top = hfy_sep_pivot_(s, &box, full->rho, budget, count);
      for (i = 0; i < count; i++) weight[i] = (weight[i] - s->top) / full->rho;
    }
    hfy_sep_box_(s, &box, budget, -reach);
  }
  if (lower && count < n) { /* the masked ones come back into their places */
    memcpy(s->high, lower, n * sizeof *s->high);
    for (i = 0; i < count; i++) s->high[s->index[i]] = weight[i];
    memcpy(weight, s->high, n * sizeof *weight);
    for (i = 0; i < n; i++) s->index[i] = i;
    s->count = n;
  }
  return hfy_sep_keep_(s, 1);
}

/* --- one row --- */

/* How far below the best (by rank: the ceil(k)-th best) a score of one link can lie and still get weight: its margin,
   for whole k. HUGE_VAL if there is no limit. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_sep_link_margin_(const hfy_sep *full) {
  if (hfy_sep_has_bounds_(full)) return HUGE_VAL;
  if (full->kind == HFY_SEP_ENTMAX && full->alpha > 1) return 1 / (full->alpha - 1);
  if (full->kind == HFY_SEP_SPARSEMAX) return 1;
  if (full->kind == HFY_SEP_NORMMAX) return full->gamma > 1 ? 1 : 0;
  if (full->kind == HFY_SEP_KSUBSETS) return full->rho;
  return full->kind == HFY_SEP_ARGMAX ? 0 : HUGE_VAL;
}

/* Solves a window: s->index ascending, s->weight the distances from the top below the margin (kinds by rank: all
   scores that are not masked). Both become the solution. */
HFY_PRIVATE_ hfy_status hfy_sep_solve_(const hfy_sep *full, hfy_sep_method_ method, hfy_sep_scratch_ *s) {
  double sum = 0, block;
  size_t i, end;
  if (method == HFY_SEP_BY_TOP_) { /* of equal scores the first */
    if (full->k > (double)s->count) return HFY_ERR_ARG;
    s->top = hfy_base_largest_(s->weight, s->count, (size_t)full->k, s->index, s->index, s->sorted);
    s->count = (size_t)full->k;
    for (i = 0; i < s->count; i++) s->weight[i] = 1;
    return HFY_OK;
  }
  if (method == HFY_SEP_BY_BOX_) return hfy_sep_ksubsets_(full->k, full->rho, s);
  if (s->count == 1 || method == HFY_SEP_BY_TIES_) /* the window holds the exact maxima */
    for (i = 0; i < s->count; i++) s->weight[i] = 1;
  else if (method == HFY_SEP_BY_LINE_)
    hfy_sep_line_(s);
  else if (method == HFY_SEP_BY_MAXNORM_)
    hfy_sep_maxnorm_(s);
  else if (method == HFY_SEP_BY_NORM_)
    hfy_sep_norm_(s, full->gamma);
  else if (full->alpha > 2)
    hfy_sep_steep_(s, full->alpha);
  else
    hfy_sep_tsallis_(s, full->alpha);
  for (i = 0; i < s->count; sum += block) /* in blocks: many small ones must not drift; a lone one becomes exactly 1 */
    for (block = 0, end = hfy_base_min_(i + 64, s->count); i < end; i++) block += s->weight[i];
  return hfy_sep_keep_(s, sum);
}

/* Does a kind count its candidates from the k-th best rather than from the best? */
HFY_COLD_ int hfy_sep_by_rank_(const hfy_sep *full) {
  return full->kind == HFY_SEP_ARGMAX || (full->kind == HFY_SEP_KSUBSETS && !hfy_sep_has_bounds_(full));
}

/* Bounds from below for the k-th best: the largest of disjoint parts, those of the pass for the maximum (tops) or
   chunks, into s->sorted. Returns how many. */
HFY_PRIVATE_ size_t hfy_sep_part_tops_(const hfy_real *theta, size_t n, const hfy_real *tops, size_t up,
                                       hfy_sep_scratch_ *s) {
  size_t i, m = 0, chunk = 4 * up < n ? n / (4 * up) & ~(size_t)15 : 0;
  if (2 * up <= s->simd->lanes) {
    for (i = 0; i < s->simd->lanes && i < n; i++)
      if (!hfy_base_is_neg_inf_((double)tops[i])) s->sorted[m++] = (double)tops[i];
    return m;
  }
  if (chunk > 256) chunk = 256;
  for (i = 0; chunk && i < n; i += chunk) {
    s->sorted[m] = (double)s->simd->max(theta + i, hfy_base_min_(chunk, n - i), NULL);
    m += !hfy_base_is_neg_inf_(s->sorted[m]);
  }
  return m;
}

/* The scores that can get weight: among the k best or, with a margin, above tau. The k-th best of the maxima of
   disjoint parts is no better than that of all, and where the maxima alone fill the budget, tau lies higher still; so
   most of a long row is passed over. */
HFY_PRIVATE_ void hfy_sep_rank_window_(const hfy_real *theta, size_t n, const hfy_real *tops, double k, double margin,
                                       hfy_sep_scratch_ *s) {
  size_t i, up = (size_t)ceil(k), m = hfy_sep_part_tops_(theta, n, tops, up, s), *index = s->index;
  double *weight = s->weight, bar, step = margin, sums[2];
  if (m < up) { /* too few parts: all scores */
    for (i = 0, s->count = 0; i < n; i++) {
      if (hfy_base_is_neg_inf_((double)theta[i])) continue;
      index[s->count] = i;
      weight[s->count++] = (double)theta[i];
    }
    return;
  }
  memcpy(weight, s->sorted, m * sizeof *weight);
  bar = hfy_base_kth_largest_(weight, m, up) - margin;
  for (i = 0; margin > 0 && i < 4; i++) { /* tau >= bar; four halvings */
    step *= 0.5;
    s->simd->clip(s->sorted, NULL, NULL, margin, m, bar + step, sums);
    if (sums[0] >= k * margin * (1 + 1e-12)) bar += step;
  }
  bar = (s->top - bar) * (1 + 1e-15) + DBL_MIN;
  m = s->count = s->simd->window(theta, n, (hfy_real)s->top, bar, index, weight);
  for (i = 0; i < m; i++) weight[i] = (double)theta[index[i]];
}

/* Solves one row of a list kind; `row` chooses its bounds. theta is only read. */
HFY_PRIVATE_ hfy_status hfy_sep_list_(const hfy_sep *full, const hfy_real *theta, size_t n, size_t row,
                                      hfy_sep_scratch_ *s) {
  const hfy_sep_method_ method = hfy_sep_method_of_(full);
  hfy_real tops[HFY_SIMD_LANES_];
  hfy_status status = hfy_sep_top_(s->simd, theta, n, tops, &s->top);
  double margin = hfy_sep_link_margin_(full);
  if (status) return status;
  if (hfy_sep_has_bounds_(full)) return hfy_sep_bounded_(full, theta, n, row, s);
  if (method == HFY_SEP_BY_STRUCTURE_) return HFY_IF_STRUCTURE_(hfy_sep_structured_(full, theta, n, s));
  if (margin > DBL_MAX) margin = DBL_MAX;
  if (method == HFY_SEP_BY_TOP_ || method == HFY_SEP_BY_BOX_)
    hfy_sep_rank_window_(theta, n, tops, full->k, margin, s);
  else
    s->count = s->simd->window(theta, n, (hfy_real)s->top, margin, s->index, s->weight);
  return hfy_sep_solve_(full, method, s);
}

/* The same from candidates found before: s->index ascending, s->weight their scores, at least those within the margin
   of the best, or of the k-th best. */
HFY_PRIVATE_ hfy_status hfy_sep_candidates_(const hfy_sep *full, hfy_sep_scratch_ *s) {
  const hfy_sep_method_ method = hfy_sep_method_of_(full);
  const double margin = hfy_sep_link_margin_(full);
  size_t i, kept = 0;
  if (!s->count) return HFY_ERR_ARG;
  for (i = 1, s->top = s->weight[0]; i < s->count; i++) s->top = s->weight[i] > s->top ? s->weight[i] : s->top;
  if (method == HFY_SEP_BY_TOP_ || method == HFY_SEP_BY_BOX_) return hfy_sep_solve_(full, method, s);
  for (i = 0; i < s->count; i++) {
    double d = s->top - s->weight[i];
    if (!(d < margin || !(d > 0))) continue;
    s->index[kept] = s->index[i];
    s->weight[kept++] = d;
  }
  s->count = kept;
  return hfy_sep_solve_(full, method, s);
}

/* IDENTITY and POWER; masked scores give 0. y may be theta; untouched if a power leaves the range of hfy_real. */
HFY_PRIVATE_ hfy_status hfy_sep_elementwise_(const hfy_sep *full, const hfy_real *theta, size_t n, hfy_real *y) {
  const double power = full->degree - 1;
  double largest = 0;
  size_t i;
  if (full->kind == HFY_SEP_IDENTITY) {
    for (i = 0; i < n; i++) y[i] = hfy_base_is_neg_inf_((double)theta[i]) ? 0 : theta[i];
    return HFY_OK;
  }
  for (i = 0; i < n; i++) {
    double v = fabs((double)theta[i]);
    if (v > largest && hfy_base_is_finite_(v)) largest = v;
  }
  if (pow(largest, power) > HFY_REAL_MAX_) return HFY_ERR_UNSUPPORTED;
  for (i = 0; i < n; i++) {
    double v = (double)theta[i], p = hfy_base_is_neg_inf_(v) ? 0 : pow(fabs(v), power);
    y[i] = (hfy_real)(v < 0 ? -p : p);
  }
  return HFY_OK;
}

/* Writes the n weights of one row, of any kind; y may be theta. With log_scale they are e^log_scale y, which only EXP
   uses: its own range is soon exceeded. */
HFY_PRIVATE_ hfy_status hfy_sep_fill_(const hfy_sep *full, const hfy_real *theta, size_t n, size_t row, hfy_real *y,
                                      double *log_scale, hfy_sep_scratch_ *s) {
  hfy_sep_method_ method = hfy_sep_method_of_(full);
  const hfy_sep *link = full->plus ? full : NULL;
  hfy_status status = HFY_OK;
  hfy_real share;
  size_t i, m = 0;
  if (log_scale) *log_scale = 0;
  if (link) memset(s->sum, 0, n * sizeof *s->sum);
  for (; link; link = link->plus) {
    hfy_sep alone = hfy_sep_resolve_(link);
    alone.plus = NULL;
    status = hfy_sep_fill_(&alone, theta, n, row, s->row, NULL, s);
    if (status) return status;
    for (i = 0; i < n; i++) s->sum[i] += (double)s->row[i];
  }
  if (full->plus) {
    for (i = 0; i < n; i++) y[i] = (hfy_real)s->sum[i];
    return HFY_OK;
  }
  status = method >= HFY_SEP_BY_LINE_ ? hfy_sep_list_(full, theta, n, row, s)
                                      : hfy_sep_top_(s->simd, theta, n, NULL, &s->top);
  if (status) return status;
  switch (method) {
  case HFY_SEP_BY_SOFTMAX_: s->simd->scale(y, n, 1 / s->simd->softmax(theta, n, (hfy_real)s->top, y)); break;
  case HFY_SEP_BY_IDENTITY_:
  case HFY_SEP_BY_POWER_: return hfy_sep_elementwise_(full, theta, n, y);
  case HFY_SEP_BY_UNIFORM_:
    for (i = 0; i < n; i++) m += !hfy_base_is_neg_inf_((double)theta[i]);
    share = (hfy_real)(1 / (double)m);
    for (i = 0; i < n; i++) y[i] = hfy_base_is_neg_inf_((double)theta[i]) ? 0 : share;
    break;
  case HFY_SEP_BY_EXP_:
    if (!log_scale && s->top > log(HFY_REAL_MAX_)) return HFY_ERR_UNSUPPORTED;
    if (log_scale)
      s->simd->softmax(theta, n, (hfy_real)(*log_scale = s->top), y);
    else
      s->simd->exp(theta, n, y);
    break;
  default: /* lists */
    memset(y, 0, n * sizeof *y);
    for (i = 0; i < s->count; i++) y[s->index[i]] = (hfy_real)s->weight[i];
    break;
  }
  return HFY_OK;
}

/* --- Omega, its conjugate, the loss --- */

/* Do the weights lie in a polytope, of a fixed sum but for SPARSEMAP? */
HFY_PRIVATE_ int hfy_sep_has_sum_(const hfy_sep *sep) {
  return sep->kind != HFY_SEP_IDENTITY && sep->kind != HFY_SEP_POWER && sep->kind != HFY_SEP_EXP;
}

/* The interval of weight i under one link; live: how many are not masked (0: UNIFORM's is not asked for). */
HFY_COLD_ void hfy_sep_interval_(const hfy_sep *full, size_t row, size_t i, size_t live, double *low, double *high) {
  const hfy_sep_bounds_ box = hfy_sep_bounds_of_(full, row);
  *low = full->kind == HFY_SEP_IDENTITY || full->kind == HFY_SEP_POWER ? -HUGE_VAL : 0;
  *high = hfy_sep_has_sum_(full) ? 1 : HUGE_VAL;
  if (full->kind == HFY_SEP_UNIFORM && live) *low = *high = 1 / (double)live;
  if (!hfy_sep_has_bounds_(full)) return;
  *low = hfy_sep_low_(&box, i);
  if (box.upper) *high = box.upper[i] < full->k ? box.upper[i] : full->k;
}

/* Omega of one row of weights, +infinity outside its domain: y[0..n), or (NULL) list[0..n) at index (NULL: 0 .. n-1) */
HFY_COLD_ double hfy_sep_omega_(const hfy_sep *full, const hfy_real *y, const double *list, const size_t *index,
                                size_t n, size_t row) {
  const hfy_sep_method_ method = hfy_sep_method_of_(full);
  const double a = full->alpha - 1, s = full->degree / (full->degree - 1);
  const double tolerance = 1e-6 * (full->k < 1 ? full->k : 1);
  double sum = 0, square = 0, total = 0, largest = 0, first = 0, low, high;
  size_t i;
  for (i = 0; i < n; i++) {
    const double v = y ? (double)y[i] : list[i];
    hfy_sep_interval_(full, row, index ? index[i] : i, 0, &low, &high);
    if (v < (low > 0 ? low - tolerance : low) || v > high + tolerance) return HUGE_VAL;
    sum += v;
    square += v * v;
    if (v > largest) largest = v;
    if (method == HFY_SEP_BY_POWER_) total += pow(fabs(v), s);
    if (!(v > 0)) continue;
    switch (method) {
    case HFY_SEP_BY_EXP_: total += v * log(v) - v; break;
    case HFY_SEP_BY_SOFTMAX_: total += v * log(v); break;
    case HFY_SEP_BY_TSALLIS_: total += v * expm1(a * log(v)); break;
    case HFY_SEP_BY_UNIFORM_:
      if (first > 0 && fabs(v - first) > 1e-6 * first) return HUGE_VAL;
      first = v;
      break;
    default: break;
    }
  }
  if (hfy_sep_has_sum_(full) && !(fabs(sum - full->k) <= 1e-6 * full->k)) return HUGE_VAL;
  switch (method) {
  case HFY_SEP_BY_EXP_:
  case HFY_SEP_BY_SOFTMAX_: return total;
  case HFY_SEP_BY_POWER_: return total / s;
  case HFY_SEP_BY_IDENTITY_: return 0.5 * square;
  case HFY_SEP_BY_LINE_: return 0.5 * square - 0.5;
  case HFY_SEP_BY_BOX_: return 0.5 * full->rho * square;
  case HFY_SEP_BY_TSALLIS_: return total / (full->alpha * a);
  case HFY_SEP_BY_MAXNORM_: return largest - 1;
  case HFY_SEP_BY_NORM_: /* scaled by the largest weight */
    for (i = 0; i < n; i++) total += pow((y ? (double)y[i] : list[i]) / largest, full->gamma);
    return largest * pow(total, 1 / full->gamma) - 1;
  default: return 0; /* ties, top, uniform */
  }
}

/* Omega*(theta) of one row and link: theta.p - Omega(p) of lists, in distances from the top, without the masked. */
HFY_COLD_ hfy_status hfy_sep_omega_star_(const hfy_sep *full, const hfy_real *theta, size_t n, size_t row,
                                         double *value, hfy_sep_scratch_ *s) {
  const hfy_sep_method_ method = hfy_sep_method_of_(full);
  const int list = method >= HFY_SEP_BY_LINE_, box = method == HFY_SEP_BY_BOX_;
  hfy_status status = list ? hfy_sep_list_(full, theta, n, row, s) : hfy_sep_top_(s->simd, theta, n, NULL, &s->top);
  double sum = 0, live = 0, linear = 0, square = 0;
  size_t i;
  *value = s->root;
  if (status || method == HFY_SEP_BY_STRUCTURE_) return status;
  for (i = 0; list && i < s->count; i++) {
    double p = s->weight[i], d = s->top - (double)theta[s->index[i]];
    if (hfy_base_is_pos_inf_(d)) continue;
    sum += p;
    linear += p * d;
    square += p * p;
  }
  if (list) {
    if (!box && method != HFY_SEP_BY_TOP_) sum = 1;
    *value = sum * s->top - linear;
    *value -= box ? 0.5 * full->rho * square : hfy_sep_omega_(full, NULL, s->weight, s->index, s->count, row);
    return HFY_OK;
  }
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
  *value = sum;
  return hfy_base_is_finite_(sum) ? HFY_OK : HFY_ERR_UNSUPPORTED;
}

/* The same for a whole chain: the conjugate of an infimal convolution is the sum of the conjugates. */
HFY_COLD_ hfy_status hfy_sep_conjugate_(const hfy_sep *sep, const hfy_real *theta, size_t n, size_t row,
                                        double *value, hfy_sep_scratch_ *s) {
  double sum = 0, one = 0;
  for (; sep; sep = sep->plus) {
    const hfy_sep full = hfy_sep_resolve_(sep);
    hfy_status status = hfy_sep_omega_star_(&full, theta, n, row, &one, s);
    if (status) return status;
    sum += one;
  }
  *value = sum;
  return HFY_OK;
}

/* Omega(y) + Omega*(theta) - theta.y of one row (y NULL: a list of n), without cancellation: kinds of fixed sum in
   distances from the top against the prediction as hfy_real, whose loss is 0; elementwise kinds term by term. */
HFY_COLD_ hfy_status hfy_sep_loss_(const hfy_sep *full, const hfy_real *theta, const hfy_real *y, const double *list,
                                   size_t n, size_t row, double *value, hfy_sep_scratch_ *s) {
  const hfy_sep_method_ method = hfy_sep_method_of_(full);
  const double r = full->degree, conjugate_r = full->degree / (full->degree - 1);
  hfy_status status = hfy_sep_fill_(full, theta, n, row, s->row, NULL, s);
  double omega, sum = 0, term;
  size_t i;
  if (status) return status;
  if (method == HFY_SEP_BY_STRUCTURE_) return HFY_IF_STRUCTURE_(hfy_sep_structured_loss_(full, theta, y, n, value, s));
  omega = hfy_sep_omega_(full, y, list, NULL, n, row);
  *value = HUGE_VAL;
  if (hfy_base_is_pos_inf_(omega)) return HFY_OK;
  for (i = 0; i < n; i++) {
    const double t = (double)theta[i], v = y ? (double)y[i] : list[i], p = (double)s->row[i];
    if (!(v < p) && !(v > p)) continue;
    if (hfy_base_is_neg_inf_(t)) return HFY_OK; /* weight on a masked pattern */
    switch (method) {
    case HFY_SEP_BY_IDENTITY_: term = 0.5 * (t - v) * (t - v); break;
    case HFY_SEP_BY_POWER_: term = pow(fabs(v), conjugate_r) / conjugate_r + pow(fabs(t), r) / r - t * v; break;
    case HFY_SEP_BY_EXP_: term = (v > 0 ? v * (log(v) - 1 - t) : 0) + exp(t); break;
    default: sum += (v - p) * (s->top - t); continue;
    }
    sum += term > 0 ? term : 0;
  }
  if (hfy_sep_has_sum_(full)) sum += omega - hfy_sep_omega_(full, s->row, NULL, NULL, n, row);
  if (hfy_base_is_nan_(sum)) return HFY_ERR_UNSUPPORTED; /* differences of scores beyond the range of double */
  *value = sum > 0 ? sum : 0;
  return HFY_OK;
}

/* --- sums of two: the infimal convolution (HFY eq. 16) --- */

/* Omega(y) = min over a of Omega_1(a) + Omega_2(y - a). Where both are sums over the coordinates, each on an interval
   and perhaps with a fixed sum, the multiplier tau of the first's sum is all that ties the coordinates together: a
   search for tau, and for each tau one for the a_i with slope_1(a_i) - slope_2(y_i - a_i) = tau. Of NORMMAX |a|_gamma =
   min over t of sum a^gamma / (gamma t^(gamma-1)) + t (gamma-1)/gamma is such a sum, with one more search for t. */
typedef struct hfy_sep_split_ {
  hfy_sep link[2];       /* the first has a fixed sum, if one has */
  double norm;           /* t of NORMMAX */
  double *low, *high;    /* n: between which the first's part lies */
  double *part, *rest;   /* n: what the first takes, and the second */
  double *below, *above; /* n: the part where tau is too low, too high */
} hfy_sep_split_;

/* Has a sum a value here? Says why not. */
HFY_COLD_ hfy_status hfy_sep_check_split_(const hfy_sep *sep, hfy_work *work) {
  static const char *const names[] = {"SOFTMAX",   "SPARSEMAX", "ENTMAX", "NORMMAX", "KSUBSETS", "SEQUENCE_KSUBSETS",
                                      "SPARSEMAP", "IDENTITY",  "POWER",  "EXP",     "ARGMAX",   "UNIFORM"};
  const hfy_sep *link;
  int norms = 0, none = 0;
  if (sep->plus->plus)
    return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED,
                          "sep->plus->plus is set; only sums of two separations have a value here");
  for (link = sep; link; link = link->plus) {
    const hfy_sep full = hfy_sep_resolve_(link);
    norms += hfy_sep_method_of_(&full) == HFY_SEP_BY_NORM_;
    none |= hfy_sep_method_of_(&full) == HFY_SEP_BY_STRUCTURE_ ||
            (full.kind == HFY_SEP_NORMMAX && full.gamma > 1e5); /* its powers lose the digits */
  }
  if (!none && norms < 2) return HFY_OK;
  return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "sep->plus: no value of %s and %s together is offered",
                        names[sep->kind], names[sep->plus->kind]);
}

HFY_COLD_ void hfy_sep_plan_split_(hfy_base_arena_ *arena, const hfy_sep *sep, size_t n, hfy_sep_split_ *t) {
  double **const array[] = {&t->low, &t->high, &t->part, &t->rest, &t->below, &t->above};
  size_t i;
  int swap = !hfy_sep_has_sum_(sep) && (hfy_sep_has_sum_(sep->plus) || sep->plus->kind == HFY_SEP_EXP);
  t->link[swap] = hfy_sep_resolve_(sep);
  t->link[!swap] = hfy_sep_resolve_(sep->plus);
  t->link[0].plus = t->link[1].plus = NULL;
  t->norm = 1;
  for (i = 0; i < sizeof array / sizeof *array; i++) *array[i] = HFY_TAKE_(arena, double, n);
}

/* d omega / dv of one coordinate, up to a constant where the sum is fixed; and how fast it grows. */
HFY_COLD_ double hfy_sep_slope_(const hfy_sep *full, double norm, double v, double *growth) {
  double a = full->alpha - 1, g = full->gamma - 1, r = 1 / (full->degree - 1), p;
  switch (hfy_sep_method_of_(full)) {
  case HFY_SEP_BY_SOFTMAX_:
  case HFY_SEP_BY_EXP_: *growth = 1 / v; return log(v);
  case HFY_SEP_BY_TSALLIS_: *growth = pow(v, a - 1); return expm1(a * log(v)) / a;
  case HFY_SEP_BY_NORM_: *growth = g * pow(v / norm, g - 1) / norm; return pow(v / norm, g);
  case HFY_SEP_BY_IDENTITY_:
  case HFY_SEP_BY_LINE_: *growth = 1; return v;
  case HFY_SEP_BY_BOX_: *growth = full->rho; return full->rho * v;
  case HFY_SEP_BY_POWER_:
    p = pow(fabs(v), r);
    *growth = r * pow(fabs(v), r - 1);
    return v < 0 ? -p : p;
  default: *growth = 0; return 0; /* uniform, ties, top, maxnorm */
  }
}

/* slope_1(a) - slope_2(y - a), increasing in a. */
HFY_COLD_ double hfy_sep_balance_(const hfy_sep_split_ *t, double y, double a, double *growth) {
  double one, two, first = hfy_sep_slope_(&t->link[0], t->norm, a, &one);
  first -= hfy_sep_slope_(&t->link[1], t->norm, y - a, &two);
  *growth = one + two;
  return first;
}

/* The a between low and high where that is tau, or the end nearer to it: Newton from `a` with halvings where it leaves
   the bracket or is slow. *rate: da/dtau. */
HFY_COLD_ double hfy_sep_part_(const hfy_sep_split_ *t, double y, double low, double high, double tau, double a,
                               double *rate) {
  double growth, g, next, width = high - low;
  int k;
  *rate = 0;
  if (!(low < high) || hfy_sep_balance_(t, y, low, &growth) >= tau) return low;
  if (hfy_sep_balance_(t, y, high, &growth) <= tau) return high;
  for (k = 0; k < 1100; k++) {
    if (!(a > low && a < high)) a = low + 0.5 * (high - low);
    if (!(a > low && a < high)) break;
    g = hfy_sep_balance_(t, y, a, &growth) - tau;
    *rate = 1 / growth;
    if (!(g > 0) && !(g < 0)) break;
    *(g > 0 ? &high : &low) = a;
    next = a - g / growth;
    if (fabs(next - a) <= DBL_EPSILON * fabs(a)) { /* near, or at a kink of infinite slope: the other side tells */
      if (high - low <= 8 * DBL_EPSILON * fabs(a)) break;
      next = a + (g > 0 ? -4 : 4) * DBL_EPSILON * fabs(a);
    }
    if (k % 4 == 3) {
      if (high - low > 0.25 * width) next = low + 0.5 * (high - low);
      width = high - low;
    }
    a = next;
  }
  return a;
}

/* The parts for one tau; returns how much their sum is above the budget. */
HFY_COLD_ double hfy_sep_parts_(hfy_sep_split_ *t, const hfy_real *y, size_t n, double tau, double *rate) {
  double sum = 0, one;
  size_t i;
  for (i = 0, *rate = 0; i < n; i++) {
    t->part[i] = hfy_sep_part_(t, (double)y[i], t->low[i], t->high[i], tau, t->part[i], &one);
    sum += t->part[i];
    *rate += one;
  }
  return sum - t->link[0].k;
}

/* The parts that meet the budget, which lies between what `low` and `high` hold. The two sides of tau are kept and
   mixed in the end: where a whole range of parts is as good (ARGMAX), only the mixture meets it. */
HFY_COLD_ void hfy_sep_meet_(hfy_sep_split_ *t, const hfy_real *y, size_t n) {
  double tau = 0, low = -HUGE_VAL, high = HUGE_VAL, under = 0, over = 0, step = 1, f, rate;
  double enough = 1e-14 * t->link[0].k;
  size_t i;
  int k;
  for (k = 0; k < 3000; k++) {
    f = hfy_sep_parts_(t, y, n, tau, &rate);
    if (fabs(f) <= enough) return;
    memcpy(f < 0 ? t->below : t->above, t->part, n * sizeof *t->part);
    *(f < 0 ? &low : &high) = tau;
    *(f < 0 ? &under : &over) = f;
    if (high - low <= DBL_EPSILON * (1 + fabs(tau))) break;
    if (!hfy_base_is_finite_(low) || !hfy_base_is_finite_(high)) {
      tau += f < 0 ? step : -step;
      step *= 2;
      if (!hfy_base_is_finite_(tau)) return; /* never: the budget lies strictly between the ends */
      continue;
    }
    tau -= f / rate;
    if (k % 3 == 2 || !(tau > low && tau < high)) tau = low + 0.5 * (high - low);
    if (!(tau > low && tau < high)) break;
  }
  for (i = 0; i < n; i++) t->part[i] = t->below[i] + (t->above[i] - t->below[i]) * (under / (under - over));
}

/* The coordinates' intervals, sums of their ends, where the search begins. Returns how many live; 0: y is outside. */
HFY_COLD_ size_t hfy_sep_intervals_(hfy_sep_split_ *t, const hfy_real *theta, const hfy_real *y, size_t n,
                                    size_t row, double sums[2]) {
  const hfy_sep *one = &t->link[0], *two = &t->link[1];
  double sum = 0, both = one->k + two->k, slack = 1e-6 * (one->k > 1 ? one->k : 1);
  size_t i, live = 0;
  for (i = 0; i < n; i++) live += !(theta && hfy_base_is_neg_inf_((double)theta[i]));
  for (i = 0, sums[0] = sums[1] = 0; i < n; i++) {
    double v = (double)y[i], a, b, c, d, *low = t->low + i, *high = t->high + i;
    if (!hfy_base_is_finite_(v)) return 0;
    hfy_sep_interval_(one, row, i, live, &a, &b);
    hfy_sep_interval_(two, row, i, live, &c, &d);
    if (theta && hfy_base_is_neg_inf_((double)theta[i])) {
      if (v < 0 || v > 0) return 0;
      a = b = c = d = 0;
    }
    *low = a > v - d ? a : v - d;
    *high = b < v - c ? b : v - c;
    /* without an end: where both slopes have the sign that says: no further */
    if (one->kind == HFY_SEP_EXP && !hfy_base_is_finite_(*high)) *high = v > 1 ? v : 1;
    if (!hfy_base_is_finite_(*low)) *low = v < 0 ? v : 0;
    if (!hfy_base_is_finite_(*high)) *high = v > 0 ? v : 0;
    if (*low > *high + 1e-6) return 0;
    if (*low > *high) *low = *high = b < *low ? b : *low;
    t->part[i] = *low + 0.5 * (*high - *low);
    sum += v;
    sums[0] += *low;
    sums[1] += *high;
  }
  if (!hfy_sep_has_sum_(one)) return live;
  if (hfy_sep_has_sum_(two) && fabs(sum - both) > 1e-6 * both) return 0;
  return sums[0] > one->k + slack || sums[1] < one->k - slack ? 0 : live;
}

/* Omega(y), the least cost of a split into t->part and t->rest; HUGE_VAL outside the domain. theta (or NULL): masks. */
HFY_COLD_ double hfy_sep_split_row_(hfy_sep_split_ *t, const hfy_real *theta, const hfy_real *y, size_t n, size_t row) {
  const hfy_sep *one = &t->link[0], *two = &t->link[1];
  double ends[2], rate, low, high = 1, f, under = 0, over = 0;
  size_t i, live = hfy_sep_intervals_(t, theta, y, n, row, ends);
  int k, side = 0, first = hfy_sep_method_of_(one) == HFY_SEP_BY_NORM_;
  int norm = first || hfy_sep_method_of_(two) == HFY_SEP_BY_NORM_;
  const double *normed = first ? t->part : t->rest;
  double gamma = first ? one->gamma : two->gamma;
  if (!live) return HUGE_VAL;
  low = norm ? pow((double)n, 1 / gamma - 1) : 1;
  for (k = 0; k < 200; k++) { /* without a norm once; else |part|_gamma - t, decreasing, by the Illinois method */
    t->norm = k == 0 ? low : k == 1 ? high : low + (high - low) * (under / (under - over));
    if (k > 1 && (k % 8 == 7 || !(t->norm > low && t->norm < high))) t->norm = low + 0.5 * (high - low);
    if (!hfy_sep_has_sum_(one))
      hfy_sep_parts_(t, y, n, 0, &rate);
    else if (ends[0] >= one->k || ends[1] <= one->k)
      memcpy(t->part, ends[0] >= one->k ? t->low : t->high, n * sizeof *t->part);
    else
      hfy_sep_meet_(t, y, n);
    for (i = 0; i < n; i++) {
      double c, d, v = (double)y[i] - t->part[i];
      hfy_sep_interval_(two, row, i, live, &c, &d);
      if (theta && hfy_base_is_neg_inf_((double)theta[i])) c = d = 0;
      t->rest[i] = v < c ? c : v > d ? d : v; /* rounding must not leave the domain */
    }
    if (!norm) break;
    for (i = 0, f = 0; i < n; i++) f += normed[i] > 0 ? pow(normed[i] / t->norm, gamma) : 0;
    f = t->norm * pow(f, 1 / gamma) - t->norm;
    if ((k == 0 && f <= 0) || (k == 1 && f >= 0) || fabs(f) <= 1e-13 || high - low <= 2 * DBL_EPSILON * high) break;
    if (k > 1 && f > 0 && side > 0) over *= 0.5;
    if (k > 1 && !(f > 0) && side < 0) under *= 0.5;
    side = f > 0 ? 1 : -1;
    *(f > 0 ? &low : &high) = t->norm;
    *(f > 0 ? &under : &over) = f;
  }
  return hfy_sep_omega_(one, NULL, t->part, NULL, n, row) + hfy_sep_omega_(two, NULL, t->rest, NULL, n, row);
}

/* The loss of a sum: that of its links at the best split (t NULL: only the prediction itself has one). */
HFY_COLD_ hfy_status hfy_sep_sum_loss_(const hfy_sep *full, hfy_sep_split_ *t, const hfy_real *theta,
                                       const hfy_real *y, size_t n, size_t row, double *value, hfy_sep_scratch_ *s) {
  hfy_status status = hfy_sep_fill_(full, theta, n, row, s->row, NULL, s);
  double rest = 0;
  *value = 0;
  if (status || hfy_sep_same_(y, n, s)) return status;
  if (!t) return HFY_ERR_UNSUPPORTED;
  *value = hfy_sep_split_row_(t, theta, y, n, row);
  if (hfy_base_is_pos_inf_(*value)) return HFY_OK;
  status = hfy_sep_loss_(&t->link[0], theta, NULL, t->part, n, row, value, s);
  if (!status) status = hfy_sep_loss_(&t->link[1], theta, NULL, t->rest, n, row, &rest, s);
  *value += rest;
  return status;
}

/* --- vector-Jacobian products of one row, one link --- */

#define HFY_SEP_SUPPORT_ 1e-300 /* weights from here on belong to the support: nothing below overflows for them */

/* -d log(p_i s^-1) / d alpha without cancellation at alpha = 1; a = alpha - 1, k the pivot. (docs/math.md 7) */
HFY_COLD_ double hfy_sep_tsallis_slope_(double a, double log_p, double log_k) {
  double x = a * (log_k - log_p), rest = 0, term;
  int m;
  if (!(a > 0) && !(a < 0)) return 0.5 * (log_k * log_k - log_p * log_p);
  if (x < -1e3) x = -1e3; /* minus infinity */
  if (!(fabs(x) < 0.05)) return (log_p * expm1(x) + (x * exp(x) - expm1(x)) / a) / a;
  for (m = 2, term = x; m < 14; m++) { /* x e^x - expm1(x) */
    term *= x / m;
    rest += (m - 1) * term;
  }
  return (log_p * expm1(x) + rest / a) / a;
}

/* The entry of the support of y at which x is largest, or least, and the next to it; the first of equals; n: none. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ size_t hfy_sep_extreme_(const hfy_real *y, const hfy_real *x, size_t n, int least,
                                                        size_t *next) {
  double v, first = -HUGE_VAL, second = -HUGE_VAL;
  size_t i, best = n;
  for (i = 0, *next = n; i < n; i++) {
    v = least ? -(double)x[i] : (double)x[i];
    if (!(v > second && (double)y[i] >= HFY_SEP_SUPPORT_)) continue;
    *next = v > first ? best : i;
    second = v > first ? first : v;
    if (!(v > first)) continue;
    first = v;
    best = i;
  }
  return best;
}

/* out = s o (v - mean of v under s) over the support, s = y^(2-alpha): softmax, sparsemax and everything between and
   beyond. Also d prediction / d alpha . v if d_alpha is not NULL. (docs/math.md 7)
   One entry k can hold nearly all of s: the largest weight below alpha = 2, the smallest above, where s leaves the
   range of numbers too. So v is counted from v_k, s in units of j, the next in s, and what k itself gets is what all
   others pass on to it. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_sep_tsallis_vjp_(double alpha, const hfy_sep_row_ *r, double *d_alpha) {
  const hfy_real *y = r->y, *v = r->v;
  const double a = alpha - 1, c = 2 - alpha;
  const int even = !(c > 0) && !(c < 0), soft = !(a > 0) && !(a < 0);
  size_t i, j, n = r->n, top = hfy_sep_extreme_(y, y, n, 0, &j), k = c < 0 ? hfy_sep_extreme_(y, y, n, 1, &j) : top;
  double log_top = 0, log_k = 0, log_j = 0, p_j = 1, pivot = 0, rest = 0, sum = 0, along = 0, mean, total, half;
  if (j < n) {
    for (i = 0; i < n; i++)
      if ((double)y[i] >= HFY_SEP_SUPPORT_ && i != k && i != top) rest += (double)y[i];
    if (k != top) rest += (double)y[k];
    p_j = (double)y[j];
    /* all sum to 1, so a large weight is best known by the others: y^(2-alpha) enlarges its rounding */
    log_top = rest < 0.5 && fabs((double)y[top] + rest - 1) < 1e-6 ? log1p(-rest) : log((double)y[top]);
    log_k = k == top ? log_top : log((double)y[k]);
    log_j = j == top ? log_top : log(p_j);
    pivot = (double)v[k];
  }
  for (i = 0; i < n; i++) {
    double p = (double)y[i], share = 1;
    if (!(p >= HFY_SEP_SUPPORT_) || i == k) continue;
    if (!even) share = soft ? p / p_j : exp(c * ((i == top ? log_top : log(p)) - log_j));
    sum += share;
    along += share * ((double)v[i] - pivot);
  }
  total = exp(c * (log_j - log_k)); /* s_j / s_k */
  along /= 1 + total * sum;
  mean = total * along;
  for (i = 0, total = 0; i < n; i++) {
    double p = (double)y[i], l = 0, side = (double)v[i] - pivot - mean;
    if (!(p >= HFY_SEP_SUPPORT_)) {
      if (r->out) r->out[i] = 0;
      continue;
    }
    if (d_alpha || !(even || soft)) l = i == top ? log_top : log(p);
    if (d_alpha && i != k) total += p * hfy_sep_tsallis_slope_(a, l, log_k) * side; /* p o g - s sum(p o g)/sum s */
    if (!r->out) continue;
    if (i == k) {
      side = -along;
      l = log_j;
      p = p_j;
    }
    half = even || soft ? 1 : exp(c * l < 1400 ? 0.5 * (c * l) : 700); /* p^c in two steps: it alone may overflow */
    r->out[i] = (hfy_real)((soft ? p * side : side) * half * half);
  }
  if (d_alpha) *d_alpha += total;
}

#define HFY_SEP_FAR_ 100 /* NORMMAX: above this gamma y no longer tells theta - mu, its power gamma-1: solved again */

/* out = y/(a t) o [(v - m)/rho - sum y (v - m)/rho], m = y.v, rho = (theta - mu)/t, t = max theta - mu, y = r/sum r,
   r = rho^(1/a). Also d prediction / d gamma . v if d_gamma is not NULL. (docs/math.md 7) */
HFY_COLD_ void hfy_sep_norm_vjp_(const hfy_sep *full, const hfy_sep_row_ *r, double *d_gamma, hfy_sep_scratch_ *s) {
  const hfy_real *theta = r->theta, *y = r->y, *v = r->v;
  const int again = full->gamma > HFY_SEP_FAR_;
  size_t i, next, n = r->n, k = hfy_sep_extreme_(y, again ? theta : y, n, 0, &next);
  const double gamma = full->gamma, a = gamma - 1, high = k < n ? (double)y[k] : 1, pivot = k < n ? (double)v[k] : 0;
  double t = 1, sum = 0, along = 0, sum_b = 0, along_b = 0, power = 0, entropy = 0, mean, slope, *log_rho = s->weight;
  s->root = 1; /* where one score is alone */
  if (again && hfy_sep_list_(full, theta, n, r->row, s)) {
    if (r->out) memset(r->out, 0, n * sizeof *r->out);
    return;
  }
  for (i = 0; i < n; i++) {
    double side = (double)v[i] - pivot, d = again ? (s->top - (double)theta[i]) / s->root : 0, p, b;
    if (!((double)y[i] >= HFY_SEP_SUPPORT_)) continue;
    log_rho[i] = again ? log1p(d < 1 - DBL_EPSILON ? -d : DBL_EPSILON - 1) : a * log((double)y[i] / high);
    if (log_rho[i] < -600) log_rho[i] = -600; /* as good as 0, and nothing overflows */
    p = exp(log_rho[i] / a);
    b = exp(log_rho[i] / a - log_rho[i]);
    sum += p;
    along += p * side;
    sum_b += b;
    along_b += b * side;
    if (i == k) continue;
    p = exp(log_rho[i] / a + log_rho[i]);
    power += p;
    entropy += p * (log_rho[i] / a);
  }
  mean = along / sum;
  along_b = (along_b - mean * sum_b) / sum;
  t = again ? s->root : exp(-log1p(power) * a / gamma);
  slope = -(entropy - (1 + power) * log1p(power) / gamma) / (gamma * sum); /* d mu / d gamma over t */
  for (i = 0; i < n; i++) {
    const int supported = (double)y[i] >= HFY_SEP_SUPPORT_;
    const double side = (double)v[i] - pivot - mean, p = supported ? exp(log_rho[i] / a) / sum : 0;
    if (supported && d_gamma) *d_gamma -= p * side * (log_rho[i] / a + slope * expm1(-log_rho[i])) / a;
    if (r->out) r->out[i] = supported ? (hfy_real)(p / (a * t) * (side * exp(-log_rho[i]) - along_b)) : 0;
  }
}

/* v - mean over the free set, 0 elsewhere; and what the active bounds get. */
HFY_COLD_ void hfy_sep_box_vjp_(const hfy_sep *full, const hfy_sep_row_ *r, const hfy_sep_grad *grad) {
  const hfy_sep_bounds_ box = hfy_sep_bounds_of_(full, r->row);
  double mean = 0, rest;
  size_t i, free_count = 0, at = r->row * full->bound_stride;
  int pass;
  for (pass = 0; pass < 2; pass++) {
    for (i = 0; i < r->n; i++) {
      const hfy_real y = r->y[i], low = (hfy_real)hfy_sep_low_(&box, i), high = (hfy_real)hfy_sep_high_(&box, i);
      const int is_free = y > low && y < high;
      if (!pass) {
        free_count += (size_t)is_free;
        if (is_free) mean += (double)r->v[i];
        continue;
      }
      rest = (double)r->v[i] - mean;
      if (grad->upper && free_count && !is_free && y >= high && high > low) grad->upper[at + i] += rest;
      if (grad->lower && free_count && !is_free && y <= low) grad->lower[at + i] += rest;
      if (r->out) r->out[i] = is_free ? (hfy_real)(rest / full->rho) : 0;
    }
    if (!pass && free_count) mean /= (double)free_count;
  }
}

/* One row and link: out, and adds to the parameters' gradients that are not NULL. Structured kinds read the mixture
   that the solver still holds, not y. s: what solving the row takes. */
HFY_COLD_ void hfy_sep_link_vjp_(const hfy_sep *full, const hfy_sep_row_ *r, const hfy_sep_grad *grad,
                                 hfy_sep_scratch_ *s) {
  const hfy_sep_method_ method = hfy_sep_method_of_(full);
  size_t i;
  switch (method) {
  case HFY_SEP_BY_SOFTMAX_: hfy_sep_tsallis_vjp_(1, r, grad->alpha); return;
  case HFY_SEP_BY_LINE_: hfy_sep_tsallis_vjp_(2, r, grad->alpha); return;
  case HFY_SEP_BY_TSALLIS_: hfy_sep_tsallis_vjp_(full->alpha, r, grad->alpha); return;
  case HFY_SEP_BY_NORM_: hfy_sep_norm_vjp_(full, r, grad->gamma, s); return;
  case HFY_SEP_BY_BOX_: hfy_sep_box_vjp_(full, r, grad); return;
  case HFY_SEP_BY_STRUCTURE_: (void)HFY_IF_STRUCTURE_(hfy_sep_structured_vjp_(r, grad, s)); return;
  default: break;
  }
  for (i = 0; r->out && i < r->n; i++) { /* elementwise kinds; all others stand still */
    const double t = r->theta ? (double)r->theta[i] : 0;
    double slope = -1; /* flat */
    if (method == HFY_SEP_BY_EXP_ && r->y[i] > 0) slope = (double)r->y[i];
    if (method == HFY_SEP_BY_IDENTITY_ && !hfy_base_is_neg_inf_(t)) slope = 1;
    if (method == HFY_SEP_BY_POWER_ && !hfy_base_is_neg_inf_(t) && (full->degree >= 2 || fabs(t) > 0))
      slope = (full->degree - 1) * pow(fabs(t), full->degree - 2);
    r->out[i] = slope < 0 ? 0 : (hfy_real)(slope * (double)r->v[i]);
  }
}

/* The same for a chain: the products of its links, each at its own prediction made again from theta, add up. Links
   without an answer give 0. The parameters are the first link's. */
HFY_COLD_ void hfy_sep_chain_vjp_(const hfy_sep *sep, const hfy_sep_row_ *r, const hfy_sep_grad *grad,
                                  hfy_sep_scratch_ *s) {
  const hfy_sep_grad none = {NULL, NULL, NULL, NULL, NULL, NULL, NULL};
  hfy_sep_row_ link = *r;
  size_t i;
  if (!sep->plus) {
    hfy_sep_link_vjp_(sep, r, grad, s);
    return;
  }
  memset(s->sum, 0, r->n * sizeof *s->sum);
  link.y = link.out = s->row;
  for (; sep; sep = sep->plus, grad = &none) {
    hfy_sep alone = hfy_sep_resolve_(sep);
    alone.plus = NULL;
    if (hfy_sep_fill_(&alone, r->theta, r->n, r->row, s->row, NULL, s)) continue;
    hfy_sep_link_vjp_(&alone, &link, grad, s);
    for (i = 0; i < r->n; i++) s->sum[i] += (double)s->row[i];
  }
  for (i = 0; r->out && i < r->n; i++) r->out[i] = (hfy_real)s->sum[i];
}

/* Which parameter gradient of a separation does not exist: its name, or NULL. */
HFY_COLD_ const char *hfy_sep_no_gradient_(const hfy_sep *full, const hfy_sep_grad *grad) {
  hfy_sep_method_ method = hfy_sep_method_of_(full);
  if (grad->alpha && (full->kind != HFY_SEP_ENTMAX || method == HFY_SEP_BY_TIES_)) return "alpha";
  if (grad->gamma && method != HFY_SEP_BY_NORM_) return "gamma";
  if (grad->upper && (method != HFY_SEP_BY_BOX_ || !full->upper)) return "upper";
  if (grad->lower && (method != HFY_SEP_BY_BOX_ || !full->lower)) return "lower";
  if (grad->transition && method != HFY_SEP_BY_STRUCTURE_) return "transition";
  if (grad->transitions && method != HFY_SEP_BY_STRUCTURE_) return "transitions";
  return NULL;
}

/* --- the public functions --- */

/* Says why a row has no answer; its n scores and what SparseMAP has left of it: NULL if they are gone. */
HFY_COLD_ hfy_status hfy_sep_row_failed_(hfy_work *work, hfy_status status, const char *what, size_t row,
                                         const hfy_real *theta, size_t n, const struct hfy_structure_solver_ *solver) {
  size_t i;
  for (i = 0; status == HFY_ERR_NONFINITE && theta && i < n; i++) {
    double v = (double)theta[i];
    if (hfy_base_is_nan_(v) || hfy_base_is_pos_inf_(v))
      return hfy_base_fail_(work, status, "%s %z: entry %z is %g; scores should be finite or -infinity", what, row, i,
                            v);
  }
  if (status == HFY_ERR_CONVERGENCE && solver) return HFY_IF_STRUCTURE_(hfy_sep_unsolved_(work, what, row, solver));
  return hfy_base_fail_(
      work, status, "%s %z: %s", what, row,
      status == HFY_ERR_NONFINITE     ? "NaN or infinity where a number should be"
      : status == HFY_ERR_ARG         ? "too few scores are not masked; at least 1, and k, should be left "
                                        "(SPARSEMAP: or the oracle's list is no vertex)"
      : status == HFY_ERR_CONVERGENCE ? "SparseMAP met max_steps or max_active, or the oracle's answer is not its best"
      : status == HFY_ERR_INFEASIBLE  ? "within their bounds its unmasked entries cannot sum to 1 (KSUBSETS: k)"
                                      : "the result is beyond the range of the number type");
}

/* Arguments that all functions share. missing: the first array that is NULL. */
HFY_COLD_ hfy_status hfy_sep_check_rows_(const hfy_sep *sep, size_t rows, size_t n, const char *missing,
                                            hfy_work *work) {
  hfy_status status = sep ? hfy_base_rows_(work, rows, n, missing) : hfy_base_null_(work, "sep");
  return status ? status : hfy_sep_check_(sep, rows, n, "sep->", work);
}

/* One task's rows of a call, in order, and the first of them that failed. */
typedef struct hfy_sep_task_ {
  hfy_sep_scratch_ scratch;
  size_t failed;
  hfy_status failure;
} hfy_sep_task_;

typedef struct hfy_sep_call_ {
  const hfy_sep *full;
  const hfy_real *theta;
  hfy_real *y;
  size_t rows, n, tasks;
  hfy_sep_task_ *task;
} hfy_sep_call_;

HFY_COLD_ void hfy_sep_share_(void *context, size_t i) {
  const hfy_sep_call_ *call = (const hfy_sep_call_ *)context;
  hfy_sep_task_ *task = call->task + i;
  size_t n = call->n, j = hfy_base_share_(call->rows, i, call->tasks);
  size_t end = hfy_base_share_(call->rows, i + 1, call->tasks);
  task->failure = HFY_OK;
  for (; j < end; j++) {
    hfy_status one = hfy_sep_fill_(call->full, call->theta + j * n, n, j, call->y + j * n, NULL, &task->scratch);
    if (!one || task->failure) continue;
    task->failure = one;
    task->failed = j;
    task->scratch.failed = task->scratch.solver;
  }
}

HFY_API HFY_SMALL_ hfy_status hfy_sep_apply(const hfy_sep *sep, const hfy_real *theta, size_t rows, size_t n,
                                            hfy_real *y, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  const hfy_simd_ *simd = hfy_simd_choose_(w);
  hfy_sep full;
  hfy_sep_call_ call = {&full, theta, y, rows, n, 0, NULL};
  hfy_sep_task_ counted;
  hfy_status status = hfy_sep_check_rows_(sep, rows, n, !theta ? "theta" : !y ? "y" : NULL, w);
  size_t i;
  if (!status && !simd) status = HFY_ERR_UNSUPPORTED;
  call.tasks = hfy_base_min_(hfy_base_min_(rows, rows * n / 16384 + 1), hfy_base_workers_()); /* worth a thread */
  while (hfy_base_layout_(&arena, w, &status)) {
    call.task = HFY_TAKE_(&arena, hfy_sep_task_, call.tasks);
    for (i = 0; i < call.tasks; i++)
      hfy_sep_plan_(&arena, simd, sep, n, 0, call.task ? &call.task[i].scratch : &counted.scratch);
  }
  if (status) return hfy_base_close_(w, &local, status);
  full = hfy_sep_resolve_(sep);
  hfy_base_parallel_(call.tasks, hfy_sep_share_, &call);
  for (i = 0; !status && i < call.tasks; i++) {
    const hfy_sep_task_ *task = call.task + i;
    if (task->failure)
      status = hfy_sep_row_failed_(w, task->failure, "theta, row", task->failed, theta + task->failed * n, n,
                                   task->scratch.failed);
  }
  return hfy_base_close_(w, &local, status);
}

/* Does a separation's gradient need the scores? */
HFY_COLD_ int hfy_sep_needs_theta_(const hfy_sep *sep) {
  return sep->plus || sep->kind == HFY_SEP_POWER || sep->kind == HFY_SEP_IDENTITY ||
         sep->kind == HFY_SEP_SEQUENCE_KSUBSETS || sep->kind == HFY_SEP_SPARSEMAP ||
         (sep->kind == HFY_SEP_NORMMAX && sep->gamma > HFY_SEP_FAR_ && hfy_base_is_finite_(sep->gamma));
}

/* Sets the gradients of the parameters to 0; the padding of wide strides is not ours. */
HFY_COLD_ void hfy_sep_clear_(const hfy_sep *full, const hfy_sep_grad *grad, size_t rows, size_t n,
                              hfy_sep_scratch_ *s) {
  size_t j;
  if (grad->alpha) *grad->alpha = 0;
  if (grad->gamma) *grad->gamma = 0;
  if (grad->transition) *grad->transition = 0;
  if (grad->transitions) (void)HFY_IF_STRUCTURE_(hfy_sep_plan_structure_(full, n, s));
  if (grad->transitions) memset(grad->transitions, 0, s->higher * sizeof *grad->transitions);
  for (j = 0; j < (full->bound_stride ? rows : 1); j++) {
    if (grad->upper) memset(grad->upper + j * full->bound_stride, 0, n * sizeof *grad->upper);
    if (grad->lower) memset(grad->lower + j * full->bound_stride, 0, n * sizeof *grad->lower);
  }
}

HFY_API HFY_SMALL_ hfy_status hfy_sep_vjp(const hfy_sep *sep, const hfy_real *theta, const hfy_real *y,
                                          const hfy_real *dy, size_t rows, size_t n, const hfy_sep_grad *grad,
                                          hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  const hfy_simd_ *simd = hfy_simd_choose_(w);
  const char *none = sep && !theta && hfy_sep_needs_theta_(sep) ? "theta" : !y ? "y" : !dy ? "dy" : NULL;
  hfy_sep full;
  hfy_sep_scratch_ scratch;
  hfy_sep_row_ row = {theta, y, dy, NULL, n, 0};
  hfy_status status = hfy_sep_check_rows_(sep, rows, n, none || grad ? none : "grad", w);
  if (status || !grad) return status;
  full = hfy_sep_resolve_(sep);
  none = hfy_sep_no_gradient_(&full, grad);
  if (none)
    return hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "grad->%s is set, but this separation has no such gradient", none);
  if (!simd) status = HFY_ERR_UNSUPPORTED;
  while (hfy_base_layout_(&arena, w, &status)) hfy_sep_plan_(&arena, simd, sep, n, 0, &scratch);
  if (status) return status;
  hfy_sep_clear_(&full, grad, rows, n, &scratch);
  for (; row.row < rows; row.row++, row.y += n, row.v += n) {
    if (theta) row.theta = theta + row.row * n;
    if (grad->theta) row.out = grad->theta + row.row * n;
    if (full.plus || hfy_sep_method_of_(&full) != HFY_SEP_BY_STRUCTURE_ ||
        !hfy_sep_list_(&full, row.theta, n, row.row, &scratch)) /* this leaves the mixture */
      hfy_sep_chain_vjp_(&full, &row, grad, &scratch);
    else if (row.out)
      memset(row.out, 0, n * sizeof *row.out);
  }
  return hfy_base_close_(w, &local, HFY_OK);
}

/* Omega, Omega* and losses: rows in, a number a row out. */
typedef struct hfy_sep_values_ {
  size_t n;
  hfy_sep full;
  int splits; /* a sum of two that has a value */
  hfy_sep_scratch_ scratch;
  hfy_sep_split_ split;
} hfy_sep_values_;

HFY_COLD_ hfy_status hfy_sep_value_of_(hfy_sep_values_ *c, const hfy_real *theta, const hfy_real *y, size_t j,
                                       double *value) {
  size_t i, n = c->n;
  if (!y) return hfy_sep_conjugate_(&c->full, theta, n, j, value, &c->scratch);
  for (i = 0; i < n; i++)
    if (hfy_base_is_nan_((double)y[i])) return HFY_ERR_NONFINITE;
  if (theta && c->full.plus)
    return hfy_sep_sum_loss_(&c->full, c->splits ? &c->split : NULL, theta, y, n, j, value, &c->scratch);
  if (theta) return hfy_sep_loss_(&c->full, theta, y, NULL, n, j, value, &c->scratch);
  if (hfy_sep_method_of_(&c->full) == HFY_SEP_BY_STRUCTURE_)
    return HFY_IF_STRUCTURE_(hfy_sep_structured_omega_(&c->full, y, n, value, &c->scratch));
  *value = c->full.plus ? hfy_sep_split_row_(&c->split, NULL, y, n, j) : hfy_sep_omega_(&c->full, y, NULL, NULL, n, j);
  return HFY_OK;
}

HFY_COLD_ hfy_status hfy_sep_value_failed_(const hfy_sep_values_ *c, hfy_status status, const hfy_real *theta,
                                           const hfy_real *y, size_t j, hfy_work *work) {
  const char *what = !y ? "theta, row" : theta ? "theta or y, row" : "y, row";
  size_t i;
  if (status == HFY_ERR_UNSUPPORTED && y && c->full.plus && !c->splits) return hfy_sep_check_split_(&c->full, work);
  if (status == HFY_ERR_UNSUPPORTED && y && hfy_sep_method_of_(&c->full) == HFY_SEP_BY_STRUCTURE_)
    return hfy_base_fail_(work, status, "y, row %z: a mixture of vertices; with higher-order scores only zeros and "
                                        "ones have a value", j);
  for (i = 0; status == HFY_ERR_NONFINITE && !theta && i < c->n; i++)
    if (hfy_base_is_nan_((double)y[i]))
      return hfy_base_fail_(work, status, "y, row %z: entry %z is NaN; it should be a number", j, i);
  return hfy_sep_row_failed_(work, status, what, j, theta, c->n, c->scratch.solver);
}

/* Omega has no theta, Omega* no y. missing: the first array that is NULL. */
HFY_COLD_ hfy_status hfy_sep_each_value_(const hfy_sep *sep, const hfy_real *theta, const hfy_real *y, size_t rows,
                                         size_t n, double *out, const char *missing, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  const hfy_simd_ *simd;
  hfy_sep_values_ c;
  hfy_status status = hfy_sep_check_rows_(sep, rows, n, missing, w);
  size_t j;
  if (status) return status;
  c.n = n;
  c.full = hfy_sep_resolve_(sep);
  c.splits = 0;
  if (sep->plus && y) {
    status = hfy_sep_check_split_(sep, w);
    if (status && !theta) return status;
    c.splits = !status;
    w->message[0] = 0; /* without a value the prediction still has loss 0 */
  }
  simd = theta ? hfy_simd_choose_(w) : NULL;
  status = theta && !simd ? HFY_ERR_UNSUPPORTED : HFY_OK;
  while (hfy_base_layout_(&arena, w, &status)) {
    if (theta || hfy_sep_method_of_(&c.full) == HFY_SEP_BY_STRUCTURE_)
      hfy_sep_plan_(&arena, simd, sep, n, y != NULL, &c.scratch);
    if (c.splits) hfy_sep_plan_split_(&arena, sep, n, &c.split);
  }
  if (status) return status;
  for (j = 0; j < rows; j++) {
    const hfy_real *scores = theta ? theta + j * n : NULL, *weights = y ? y + j * n : NULL;
    double value;
    hfy_status one = hfy_sep_value_of_(&c, scores, weights, j, &value);
    if (!one) out[j] = value;
    if (one && !status) status = hfy_sep_value_failed_(&c, one, scores, weights, j, w);
  }
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_sep_value(const hfy_sep *sep, const hfy_real *y, size_t rows, size_t n,
                                            double *omega, hfy_work *work) {
  return hfy_sep_each_value_(sep, NULL, y, rows, n, omega, !y ? "y" : !omega ? "omega" : NULL, work);
}

HFY_API HFY_SMALL_ hfy_status hfy_sep_conjugate(const hfy_sep *sep, const hfy_real *theta, size_t rows, size_t n,
                                                double *omega_star, hfy_work *work) {
  const char *missing = !theta ? "theta" : !omega_star ? "omega_star" : NULL;
  return hfy_sep_each_value_(sep, theta, NULL, rows, n, omega_star, missing, work);
}

HFY_API HFY_SMALL_ hfy_status hfy_sep_loss(const hfy_sep *sep, const hfy_real *theta, const hfy_real *y, size_t rows,
                                           size_t n, double *loss, hfy_work *work) {
  const char *missing = !theta ? "theta" : !y ? "y" : !loss ? "loss" : NULL;
  return hfy_sep_each_value_(sep, theta, y, rows, n, loss, missing, work);
}

HFY_API HFY_SMALL_ double hfy_sep_margin(const hfy_sep *sep) {
  hfy_work local, *quiet = hfy_base_open_(NULL, &local);
  double largest = 0;
  size_t links = 0;
  if (!sep) return HUGE_VAL;
  for (; sep; sep = sep->plus) {
    hfy_sep full = hfy_sep_resolve_(sep);
    double margin = hfy_sep_link_margin_(&full);
    if (++links > 64 || hfy_base_is_pos_inf_(margin)) return HUGE_VAL; /* a ring; before arrays of n are looked at */
    full.plus = NULL;
    if (full.kind == HFY_SEP_KSUBSETS && full.k < 1) margin *= full.k;
    if (full.kind == HFY_SEP_KSUBSETS && full.k > 1 && floor(full.k) < full.k) return HUGE_VAL; /* two gaps */
    /* an n large enough for any k makes the check one of the parameters alone */
    if (hfy_sep_check_(&full, 1, SIZE_MAX / 16, "sep->", quiet)) return HUGE_VAL;
    if (margin > largest) largest = margin;
  }
  return largest;
}

#endif /* HFY_HAS_SEP_ */

#ifdef HFY_HAS_POST_
/* ------------------------------------------------------------------------------------------------------------------
   >>post.impl   post-transformations of the projection: q = argmax over dom(Psi) of z.q - Psi(q)
   Row by row, and a row depends on no other.   May call: base, linalg.
   Numerics: a row is made in double in scratch and rounded once, so an error leaves its output alone and q may be z.
   Squares are taken after scaling by a power of two where they could leave the range of double. A row may come with a
   log_scale: the true z is e^log_scale times it. Maps that forget the scale (SIGN, L2, LAYERNORM) or saturate (TANH)
   then answer where the true z would overflow (exponential memory, HFY eq. 12).
   Equations: HFY eq. 9, 12, 14, 38; the rectified power is RATE eq. 3 with softplus(x) = log(1 + e^x); with sigma = 0
   Psi*(z) = sum max(z-theta,0)^(p+1) / (p+1), Psi(q) = sum theta q + p/(p+1) q^((p+1)/p) on q >= 0: integrals of the
   map and of its inverse.
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_POST_TOLERANCE_ (8 * HFY_REAL_EPS_ > 1e-9 ? 8 * HFY_REAL_EPS_ : 1e-9) /* of membership in dom Psi */

typedef struct hfy_post_scratch_ {
  double *row;    /* n: the row in the making */
  double *factor; /* for Psi of LINEAR: n x n, the Cholesky factor of the matrix */
} hfy_post_scratch_;

/* --- parameters --- */

/* Fills in all defaults and checks what the kind uses: the rows below take only such a post. where: what messages
   call it, "post" or the path of a member. */
HFY_COLD_ hfy_status hfy_post_check_(const hfy_post *post, size_t n, hfy_post *full, const char *where,
                                     hfy_work *work) {
  const hfy_post_kind kind = post->kind;
  const int layer = kind == HFY_POST_LAYERNORM, power = kind == HFY_POST_RECTIFIED_POWER;
  const struct {
    const char *name, *least; /* NULL: any */
    double *value, fallback;
    int used;
  } number[] = {{"beta", "above 0", &full->beta, 1, kind == HFY_POST_TANH},
                {"radius", "above 0", &full->radius, 1, kind == HFY_POST_L2},
                {"eta", "above 0", &full->eta, 1, layer && !post->gain},
                {"power", "above 0", &full->power, 1, power},
                {"eps", "at least 0", &full->eps, 0, layer || kind == HFY_POST_L2},
                {"sigma", "at least 0", &full->sigma, 0, power},
                {"theta", NULL, &full->theta, 0, power}};
  char path[64]; /* post->beta, but net->post.beta */
  size_t i, at = hfy_base_put_(path, sizeof path, 0, where);
  hfy_base_put_(path, sizeof path, at, strcmp(where, "post") ? "." : "->");
  if ((unsigned)kind > HFY_POST_RECTIFIED_POWER)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%skind is %z; it should be one of hfy_post_kind", path, (size_t)kind);
  *full = *post;
  for (i = 0; i < sizeof number / sizeof *number; i++) {
    const double value = *number[i].value = hfy_base_default_(*number[i].value, number[i].fallback);
    const char *least = hfy_base_is_finite_(value) ? number[i].least : "finite";
    if (number[i].used && (!hfy_base_is_finite_(value) || (least && value < 0)))
      return hfy_base_should_(work, path, number[i].name, value, least);
  }
  if (layer && post->dof_minus >= n)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%sdof_minus is %z; it should be below the length of a row, %z", path,
                          post->dof_minus, n);
  if (kind != HFY_POST_LINEAR) return HFY_OK;
  if (!post->matrix)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%smatrix is NULL; LINEAR needs %z x %z numbers", path, n, n);
  if (!hfy_base_fits_(n, n, sizeof(hfy_real)))
    return hfy_base_fail_(work, HFY_ERR_ARG, "%smatrix: %z x %z numbers cannot exist", path, n, n);
  return HFY_OK;
}

/* L2 is LAYERNORM without centring, gains and shifts: a unit vector is stretched to this length, */
HFY_PRIVATE_ double hfy_post_stretch_(const hfy_post *post, size_t n) {
  return post->kind == HFY_POST_L2 ? post->radius : sqrt((double)(n - post->dof_minus));
}

/* and then by its gains. */
HFY_PRIVATE_ double hfy_post_gain_(const hfy_post *post, size_t i) {
  return post->kind == HFY_POST_L2 ? 1 : post->gain ? (double)post->gain[i] : post->eta;
}

/* --- scratch --- */

/* energy: for hfy_post_has_energy_ and what may be called after it, too. */
HFY_COLD_ void hfy_post_plan_(hfy_base_arena_ *arena, const hfy_post *post, size_t n, int energy,
                              hfy_post_scratch_ *scratch) {
  scratch->row = HFY_TAKE_(arena, double, n);
  scratch->factor = HFY_TAKE_(arena, double, energy && post->kind == HFY_POST_LINEAR ? hfy_base_times_(n, n) : 0);
}

/* --- parts of the maps --- */

/* Multiplies x by a power of two where its squares or their sum could leave the range of double; returns that power. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_post_rescale_(double *x, size_t n) {
  const double high = ldexp(1.0, 450), low = ldexp(1.0, -450);
  double big = 0, scale;
  size_t i;
  for (i = 0; i < n; i++) big = fabs(x[i]) > big ? fabs(x[i]) : big;
  if (!(big > 0) || (big <= high && big >= low)) return 1;
  scale = ldexp(1.0, big > 1 ? -600 : 600);
  for (i = 0; i < n; i++) x[i] *= scale;
  return scale;
}

/* |x|, and x rescaled in place. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_post_norm_(double *x, size_t n, double *scale) {
  *scale = hfy_post_rescale_(x, n);
  return sqrt(hfy_linalg_dot_(x, x, n)) / *scale;
}

/* Takes the mean away, then what rounding left of it. Constant rows are found by comparing. */
HFY_PRIVATE_ void hfy_post_centre_(double *x, size_t n) {
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
                                        double *row) {
  double scale, norm, ratio = 0, shrink, root_eps = sqrt(post->eps);
  size_t i;
  for (i = 0; i < n; i++) row[i] = (double)z[i];
  scale = hfy_post_rescale_(row, n);
  if (post->kind == HFY_POST_LAYERNORM) {
    hfy_post_centre_(row, n);
    root_eps *= hfy_post_stretch_(post, n);
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

/* A rectified power and its derivatives: by v = z - theta, power and sigma. */
typedef struct hfy_post_power_ {
  double value, slope, to_power, to_sigma;
} hfy_post_power_;

/* s^power, s = width softplus(x), x = v / width, width = sigma/pi: the smooth max(v, 0)^power. Far below the threshold
   softplus(x) = e^x to the last bit, and e^x underflows long before a small power of it: so its logarithm is raised.
   ds/dsigma = (softplus(x) - x softplus'(x)) / pi = softplus'(x) ratio / pi: ratio neither cancels nor overflows. */
HFY_COLD_ hfy_post_power_ hfy_post_rectify_(const hfy_post *post, double v, int derivatives) {
  const double pi = 3.14159265358979323846, width = post->sigma / pi, p = post->power;
  hfy_post_power_ r = {0, 0, 0, 0};
  double x = 0, e = 0, s = v, log_s, ratio;
  int deep, raised = p < 1 || p > 1;
  if (width > 0) {
    x = v / width;
    e = exp(-fabs(x));
    s = (v > 0 ? v : 0) + width * log1p(e);
  } else if (!(v > 0)) {
    return r;
  }
  deep = x < -37;
  log_s = deep ? log(width) + x : 0;
  r.value = deep ? exp(p * log_s) : raised ? pow(s, p) : s;
  if (!derivatives) return r;
  r.slope = width > 0 ? p * ((x < 0 ? e : 1) / (1 + e)) : p;
  if (deep)
    r.slope = p * exp(p * log_s - log(width)); /* s = e^x width, its slope s / width */
  else if (raised)
    r.slope *= pow(s, p - 1);
  if (r.value <= 0) return r;
  r.to_power = r.value * (deep ? log_s : log(s));
  if (!(width > 0) || r.slope <= 0) return r;
  ratio = x < 0 ? (deep ? 1 : log1p(e) * (1 + e) / e) - x : e > 0 ? log1p(e) * (1 + e) + x * e : 0;
  r.to_sigma = r.slope * ratio / pi;
  return r;
}

/* <a, x> of a row of the matrix, summed in double. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ double hfy_post_matrix_dot_(const hfy_real *a, const hfy_real *x, size_t n) {
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

/* The derivative of tanh: 4e / (1+e)^2 with e = e^(-2|x|), which does not cancel where it is small. */
HFY_PRIVATE_ double hfy_post_tanh_slope_(double x) {
  double e = exp(-2 * fabs(x));
  return 4 * e / ((1 + e) * (1 + e));
}

HFY_PRIVATE_ HFY_SIMD_NOINLINE_ int hfy_post_finite_(const hfy_real *x, size_t n) {
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
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ hfy_status hfy_post_row_(const hfy_post *post, const hfy_real *z, double log_scale,
                                                         const hfy_real *previous, size_t n, hfy_real *q,
                                                         const hfy_post_scratch_ *scratch) {
  double *row = scratch->row, half, t;
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
      row[i] = scaled ? ((t > 0) - (t < 0)) * tanh(exp(log(post->beta) + log_scale + log(fabs(t))))
                      : tanh(post->beta * t);
    }
    break;
  case HFY_POST_SIGN:
    for (i = 0; i < n; i++) row[i] = z[i] > 0 ? 1 : z[i] < 0 ? -1 : previous ? (double)previous[i] : 0;
    break;
  case HFY_POST_L2:
  case HFY_POST_LAYERNORM:
    hfy_post_normalise_(post, z, log_scale, n, row);
    t = hfy_post_stretch_(post, n);
    for (i = 0; i < n; i++) {
      row[i] = hfy_post_gain_(post, i) * (t * row[i]);
      if (post->kind == HFY_POST_LAYERNORM) row[i] += post->delta ? (double)post->delta[i] : 0;
    }
    break;
  case HFY_POST_LINEAR:
    for (i = 0; i < n; i++) row[i] = hfy_post_unscale_(hfy_post_matrix_dot_(post->matrix + i * n, z, n), half);
    break;
  case HFY_POST_RECTIFIED_POWER:
    for (i = 0; i < n; i++) {
      t = hfy_post_unscale_((double)z[i], half);
      row[i] = hfy_base_is_finite_(t) ? hfy_post_rectify_(post, t - post->theta, 0).value
               : z[i] > 0             ? exp(post->power * (log_scale + log((double)z[i])))
                                      : 0; /* theta is nothing beside it */
    }
    break;
  }
  for (i = 0; i < n; i++)
    if (!hfy_base_is_finite_(row[i]) || fabs(row[i]) > HFY_REAL_MAX_) return HFY_ERR_NONFINITE;
  for (i = 0; i < n; i++) q[i] = (hfy_real)row[i];
  return HFY_OK;
}

/* dz = J(z)^T dq; dz may be dq or z. NaN and infinity are carried through. */
HFY_COLD_ void hfy_post_row_vjp_(const hfy_post *post, const hfy_real *z, const hfy_real *dq, size_t n, hfy_real *dz,
                                 const hfy_post_scratch_ *scratch) {
  double *row = scratch->row, slope, dot = 0, mean = 0;
  size_t i, j;
  switch (post->kind) {
  case HFY_POST_NONE: memmove(dz, dq, n * sizeof *dz); break;
  case HFY_POST_TANH:
    for (i = 0; i < n; i++)
      dz[i] = (hfy_real)(hfy_post_tanh_slope_(post->beta * (double)z[i]) * post->beta * (double)dq[i]);
    break;
  case HFY_POST_SIGN: memset(dz, 0, n * sizeof *dz); break;
  case HFY_POST_L2:
  case HFY_POST_LAYERNORM: /* stretch/root (I - 1 1^T/n - u u^T) gain; L2 has no 1 1^T/n */
    slope = hfy_post_normalise_(post, z, 0, n, row);
    slope = slope > 0 ? hfy_post_stretch_(post, n) / slope : 0;
    for (i = 0; i < n; i++) {
      double v = hfy_post_gain_(post, i) * (double)dq[i];
      mean += v;
      dot += row[i] * v;
    }
    mean = post->kind == HFY_POST_L2 ? 0 : mean / (double)n;
    for (i = 0; i < n; i++) dz[i] = (hfy_real)(slope * (hfy_post_gain_(post, i) * (double)dq[i] - mean - row[i] * dot));
    break;
  case HFY_POST_LINEAR:
    for (j = 0; j < n; j++) row[j] = 0;
    for (i = 0; i < n; i++)
      for (j = 0; j < n; j++) row[j] += (double)dq[i] * (double)post->matrix[i * n + j];
    for (j = 0; j < n; j++) dz[j] = (hfy_real)row[j];
    break;
  case HFY_POST_RECTIFIED_POWER:
    for (i = 0; i < n; i++)
      dz[i] = (hfy_real)(hfy_post_rectify_(post, (double)z[i] - post->theta, 1).slope * (double)dq[i]);
    break;
  }
}

/* Is there a Psi? UNSUPPORTED with its reason if not; leaves in scratch what the functions below need. */
HFY_COLD_ hfy_status hfy_post_has_energy_(const hfy_post *post, size_t n, const hfy_post_scratch_ *scratch,
                                          hfy_work *work) {
  const double tol = 8 * HFY_REAL_EPS_ > 1e-12 ? 8 * HFY_REAL_EPS_ : 1e-12;
  const hfy_status none = HFY_ERR_UNSUPPORTED;
  const hfy_real *a = post->matrix;
  double *l = scratch->factor, big = 0;
  size_t i, j;
  if (post->kind == HFY_POST_LAYERNORM && post->gain)
    return hfy_base_fail_(work, none, "no Psi exists for LAYERNORM with a vector of gains; eta, one for all, has one");
  if (post->kind == HFY_POST_RECTIFIED_POWER && post->sigma > 0)
    return hfy_base_fail_(work, none, "Psi of RECTIFIED_POWER is there for sigma = 0 only; sigma is %g", post->sigma);
  if (post->kind != HFY_POST_LINEAR) return HFY_OK;
  for (i = 0; i < n * n; i++) {
    l[i] = (double)a[i];
    if (!hfy_base_is_finite_(l[i]))
      return hfy_base_fail_(work, none, "no Psi exists for LINEAR: matrix[%z][%z] is %g", i / n, i % n, l[i]);
    big = fabs(l[i]) > big ? fabs(l[i]) : big;
  }
  for (i = 0; i < n; i++)
    for (j = 0; j <= i; j++) {
      double low = 0.5 * l[i * n + j], high = 0.5 * (double)a[j * n + i];
      if (fabs(low - high) > 0.5 * tol * big)
        return hfy_base_fail_(work, none, "no Psi exists for LINEAR: matrix[%z][%z] is %g but [%z][%z] is %g", i, j,
                              l[i * n + j], j, i, (double)a[j * n + i]);
      l[i * n + j] = low + high;
    }
  if (hfy_linalg_cholesky_(l, n))
    return hfy_base_fail_(work, none, "no Psi exists for LINEAR: its matrix is not positive definite");
  return HFY_OK;
}

/* *psi = Psi(q), HUGE_VAL outside its domain. HFY_ERR_NONFINITE: NaN in q. */
HFY_COLD_ hfy_status hfy_post_row_value_(const hfy_post *post, const hfy_real *q, size_t n, double *psi,
                                         const hfy_post_scratch_ *scratch) {
  const double p = post->power;
  const int layer = post->kind == HFY_POST_LAYERNORM;
  double *row = scratch->row, sum = 0, radius, scale, reach, off = 0, weight = sqrt(post->eps);
  size_t i;
  for (i = 0; i < n; i++) {
    if (hfy_base_is_nan_((double)q[i])) return HFY_ERR_NONFINITE;
    row[i] = (double)q[i];
  }
  *psi = HUGE_VAL;
  if (!hfy_post_finite_(q, n)) return HFY_OK;
  switch (post->kind) {
  case HFY_POST_NONE: sum = 0.5 * hfy_linalg_dot_(row, row, n); break;
  case HFY_POST_TANH:
  case HFY_POST_SIGN:
    for (i = 0; i < n; i++) {
      double a = fabs(row[i]), b = 0.5 * (1 - a); /* (1+a)/2 log((1+a)/2) + b log b */
      if (a > 1 + 2 * HFY_POST_TOLERANCE_) return HFY_OK;
      if (post->kind == HFY_POST_TANH && a < 1) sum += (1 - b) * log1p(-b) + b * log(b);
    }
    if (post->kind == HFY_POST_TANH) sum /= post->beta;
    break;
  case HFY_POST_L2:
  case HFY_POST_LAYERNORM:
    reach = radius = hfy_post_stretch_(post, n) * hfy_post_gain_(post, 0); /* the largest norm */
    if (layer) weight *= hfy_post_stretch_(post, n);
    if (layer && post->delta) { /* counts: its digits are rounded with q's */
      for (i = 0; i < n; i++) row[i] = (double)post->delta[i];
      reach += hfy_post_norm_(row, n, &scale);
      for (i = 0; i < n; i++) row[i] = (double)q[i] - (double)post->delta[i];
    }
    reach = HFY_POST_TOLERANCE_ * (1 + reach);
    sum = hfy_post_norm_(row, n, &scale);
    if (sum > radius + reach) return HFY_OK;
    sum = weight > 0 && sum < radius ? -weight * (sqrt(radius - sum) * sqrt(radius + sum)) : 0;
    if (!layer) break;
    for (i = 0; i < n; i++) off += row[i];
    if (fabs(off) / sqrt((double)n) / scale > reach) return HFY_OK; /* off the plane through delta */
    break;
  case HFY_POST_LINEAR:
    hfy_linalg_cholesky_forward_(scratch->factor, n, n, row);
    sum = 0.5 * hfy_linalg_dot_(row, row, n);
    break;
  case HFY_POST_RECTIFIED_POWER:
    for (i = 0; i < n; i++) {
      if (row[i] < -HFY_POST_TOLERANCE_) return HFY_OK;
      if (row[i] > 0) sum += row[i] * (post->theta + p / (p + 1) * pow(row[i], 1 / p));
    }
    break;
  }
  *psi = sum;
  return HFY_OK;
}

/* scratch->row = the gradient of Psi at q; at the edge of dom Psi its limit from inside, for LAYERNORM within the plane
   of the domain. HFY_ERR_ARG: q is outside, or at an edge where Psi is infinitely steep; else as above. */
HFY_COLD_ hfy_status hfy_post_row_gradient_(const hfy_post *post, const hfy_real *q, size_t n,
                                            const hfy_post_scratch_ *scratch) {
  double *row = scratch->row, psi, radius, root_eps = sqrt(post->eps), scale, norm;
  hfy_status status = hfy_post_row_value_(post, q, n, &psi, scratch);
  size_t i;
  if (status) return status;
  if (hfy_base_is_pos_inf_(psi)) return HFY_ERR_ARG;
  for (i = 0; i < n; i++) row[i] = post->kind == HFY_POST_SIGN ? 0 : (double)q[i];
  switch (post->kind) {
  case HFY_POST_NONE:
  case HFY_POST_SIGN: break;
  case HFY_POST_TANH:
    for (i = 0; i < n; i++) {
      if (!(fabs(row[i]) < 1)) return HFY_ERR_ARG;
      row[i] = 0.5 * (log1p(row[i]) - log1p(-row[i])) / post->beta; /* artanh */
    }
    break;
  case HFY_POST_L2:
  case HFY_POST_LAYERNORM:
    radius = hfy_post_stretch_(post, n);
    if (post->kind == HFY_POST_LAYERNORM) {
      for (i = 0; post->delta && i < n; i++) row[i] -= (double)post->delta[i];
      hfy_post_centre_(row, n);
      root_eps *= radius;
      radius *= post->eta;
    }
    norm = hfy_post_norm_(row, n, &scale);
    if (root_eps > 0 && !(norm < radius)) return HFY_ERR_ARG;
    if (root_eps > 0) root_eps /= sqrt(radius - norm) * sqrt(radius + norm);
    for (i = 0; i < n; i++) row[i] *= root_eps / scale;
    break;
  case HFY_POST_LINEAR: hfy_linalg_cholesky_solve_(scratch->factor, n, row); break;
  case HFY_POST_RECTIFIED_POWER:
    for (i = 0; i < n; i++) row[i] = post->theta + (row[i] > 0 ? pow(row[i], 1 / post->power) : 0);
    break;
  }
  return HFY_OK;
}

/* *psi_star = Psi*(z). HFY_ERR_NONFINITE: z not finite. */
HFY_COLD_ hfy_status hfy_post_row_conjugate_(const hfy_post *post, const hfy_real *z, size_t n, double *psi_star,
                                             const hfy_post_scratch_ *scratch) {
  double sum = 0, v;
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
  case HFY_POST_L2:
  case HFY_POST_LAYERNORM:
    v = hfy_post_normalise_(post, z, 0, n, scratch->row);
    sum = hfy_post_gain_(post, 0) * hfy_post_stretch_(post, n) * v;
    if (post->kind == HFY_POST_LAYERNORM && post->delta) sum += hfy_post_matrix_dot_(post->delta, z, n);
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

/* What they all check first. missing: the first array that is NULL. */
HFY_COLD_ hfy_status hfy_post_arguments_(const hfy_post *post, size_t rows, size_t n, const char *missing,
                                         hfy_post *resolved, hfy_work *work) {
  hfy_status status = post ? hfy_base_rows_(work, rows, n, missing) : hfy_base_null_(work, "post");
  return status ? status : hfy_post_check_(post, n, resolved, "post", work);
}

/* The message for a row without an answer: the entry that is to blame (NaN before infinity), or its result. */
HFY_COLD_ hfy_status hfy_post_blame_(const hfy_real *x, const char *name, size_t row, size_t n, hfy_status status,
                                     hfy_work *work) {
  size_t i, bad = n;
  for (i = n; i-- > 0;)
    if (!hfy_base_is_finite_((double)x[i])) bad = i;
  for (i = n; i-- > 0;)
    if (hfy_base_is_nan_((double)x[i])) bad = i;
  if (bad == n) return hfy_base_fail_(work, status, "row %z: the result is not finite in hfy_real", row);
  return hfy_base_fail_(work, status, "%s[%z] of row %z is %g; it should be finite", name, bad, row, (double)x[bad]);
}

HFY_API HFY_SMALL_ hfy_status hfy_post_apply(const hfy_post *post, const hfy_real *z, const hfy_real *previous,
                                             size_t rows, size_t n, hfy_real *q, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_post full;
  hfy_post_scratch_ scratch = {NULL, NULL};
  hfy_status status = hfy_post_arguments_(post, rows, n, !z ? "z" : !q ? "q" : NULL, &full, w), one;
  size_t j;
  while (hfy_base_layout_(&arena, w, &status)) hfy_post_plan_(&arena, &full, n, 0, &scratch);
  if (status) rows = 0;
  for (j = 0; j < rows; j++) {
    const hfy_real *kept = previous ? previous + j * n : NULL;
    one = hfy_post_row_(&full, z + j * n, 0, kept, n, q + j * n, &scratch);
    if (one && !status) status = hfy_post_blame_(z + j * n, "z", j, n, one, w);
  }
  return hfy_base_close_(w, &local, status);
}

/* The first member of grad that the post has no such parameter for, or NULL. */
HFY_COLD_ const char *hfy_post_no_gradient_(const hfy_post *post, const hfy_post_grad *grad) {
  const int layer = post->kind == HFY_POST_LAYERNORM;
  if (grad->gain && !layer) return "gain";
  if (grad->delta && !layer) return "delta";
  if (grad->matrix && post->kind != HFY_POST_LINEAR) return "matrix";
  if (grad->beta && post->kind != HFY_POST_TANH) return "beta";
  if (grad->radius && post->kind != HFY_POST_L2) return "radius";
  if (grad->eta && !(layer && !post->gain)) return "eta";
  if (grad->eps && !layer && post->kind != HFY_POST_L2) return "eps";
  if (post->kind == HFY_POST_RECTIFIED_POWER) return NULL;
  return grad->power ? "power" : grad->sigma ? "sigma" : grad->theta ? "theta" : NULL;
}

/* Adds the gradients of the numbers among the parameters, of one row. */
HFY_COLD_ void hfy_post_row_numbers_vjp_(const hfy_post *post, const hfy_real *z, const hfy_real *dq, size_t n,
                                         const hfy_post_grad *grad, double *u) {
  const int layer = post->kind == HFY_POST_LAYERNORM, ball = layer || post->kind == HFY_POST_L2;
  const double root = ball ? hfy_post_normalise_(post, z, 0, n, u) : 0; /* root^2 = |x|^2 + dof eps */
  const double stretch = ball ? hfy_post_stretch_(post, n) : 0, dof = layer ? (double)(n - post->dof_minus) : 1;
  double dot = 0, gained = 0;
  size_t i;
  for (i = 0; i < n; i++) {
    const double t = (double)z[i], g = (double)dq[i];
    if (ball) gained += u[i] * g * hfy_post_gain_(post, i);
    if (ball) dot += u[i] * g;
    if (post->kind == HFY_POST_TANH) dot += hfy_post_tanh_slope_(post->beta * t) * t * g;
    if (post->kind == HFY_POST_RECTIFIED_POWER) {
      const hfy_post_power_ r = hfy_post_rectify_(post, t - post->theta, 1);
      if (grad->power) *grad->power += r.to_power * g;
      if (grad->sigma) *grad->sigma += r.to_sigma * g;
      if (grad->theta) *grad->theta -= r.slope * g;
    }
  }
  if (grad->beta) *grad->beta += dot;
  if (grad->radius) *grad->radius += dot; /* q = gain stretch x / root + delta */
  if (grad->eta) *grad->eta += stretch * dot;
  if (grad->eps && root > 0) *grad->eps -= 0.5 * dof * stretch * gained / root / root;
}

/* Adds the gradients of the parameters, summed over the rows. sum: 2n doubles. */
HFY_COLD_ void hfy_post_vjp_parameters_(const hfy_post *post, const hfy_real *z, const hfy_real *dq, size_t rows,
                                        size_t n, const hfy_post_grad *grad, double *sum,
                                        const hfy_post_scratch_ *scratch) {
  size_t i, j, r;
  if (grad->beta || grad->radius || grad->eta || grad->eps || grad->power || grad->sigma || grad->theta)
    for (r = 0; r < rows; r++) hfy_post_row_numbers_vjp_(post, z + r * n, dq + r * n, n, grad, scratch->row);
  if (grad->gain || grad->delta) {
    const double stretch = hfy_post_stretch_(post, n);
    for (i = 0; i < 2 * n; i++) sum[i] = 0;
    for (r = 0; r < rows; r++) {
      hfy_post_normalise_(post, z + r * n, 0, n, scratch->row);
      for (i = 0; i < n; i++) {
        sum[i] += (double)dq[r * n + i] * (stretch * scratch->row[i]);
        sum[n + i] += (double)dq[r * n + i];
      }
    }
    for (i = 0; grad->gain && i < n; i++) grad->gain[i] = (hfy_real)((double)grad->gain[i] + sum[i]);
    for (i = 0; grad->delta && i < n; i++) grad->delta[i] = (hfy_real)((double)grad->delta[i] + sum[n + i]);
  }
  for (i = 0; grad->matrix && i < n; i++) { /* row i of dA = sum over the rows of dq_i z */
    hfy_real *row = grad->matrix + i * n;
    for (j = 0; j < n; j++) sum[j] = 0;
    for (r = 0; r < rows; r++)
      for (j = 0; j < n; j++) sum[j] += (double)dq[r * n + i] * (double)z[r * n + j];
    for (j = 0; j < n; j++) row[j] = (hfy_real)((double)row[j] + sum[j]);
  }
}

HFY_API HFY_SMALL_ hfy_status hfy_post_vjp(const hfy_post *post, const hfy_real *z, const hfy_real *dq, size_t rows,
                                           size_t n, const hfy_post_grad *grad, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_post full;
  hfy_post_scratch_ scratch = {NULL, NULL};
  hfy_status status = hfy_post_arguments_(post, rows, n, !z ? "z" : !dq ? "dq" : NULL, &full, w);
  const char *none;
  double *sum = NULL;
  size_t j;
  if (!status) status = hfy_base_null_(w, grad ? NULL : "grad");
  none = status ? NULL : hfy_post_no_gradient_(&full, grad);
  if (none)
    status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "grad->%s is set, but this post has no such gradient", none);
  while (hfy_base_layout_(&arena, w, &status)) {
    hfy_post_plan_(&arena, &full, n, 0, &scratch);
    sum = HFY_TAKE_(&arena, double, hfy_base_times_(2, n));
  }
  if (!status) {
    double *const numbers[] = {grad->beta, grad->radius, grad->eta, grad->eps, grad->power, grad->sigma, grad->theta};
    for (j = 0; j < sizeof numbers / sizeof *numbers; j++)
      if (numbers[j]) *numbers[j] = 0;
    if (grad->gain) memset(grad->gain, 0, n * sizeof *grad->gain);
    if (grad->delta) memset(grad->delta, 0, n * sizeof *grad->delta);
    if (grad->matrix) memset(grad->matrix, 0, n * n * sizeof *grad->matrix);
    hfy_post_vjp_parameters_(&full, z, dq, rows, n, grad, sum, &scratch); /* first: grad->z may be dq */
    for (j = 0; grad->z && j < rows; j++) hfy_post_row_vjp_(&full, z + j * n, dq + j * n, n, grad->z + j * n, &scratch);
  }
  return hfy_base_close_(w, &local, status);
}

/* Psi and Psi* differ only in what a row calls. */
typedef hfy_status hfy_post_functional_(const hfy_post *post, const hfy_real *x, size_t n, double *value,
                                        const hfy_post_scratch_ *scratch);
HFY_COLD_ hfy_status hfy_post_rows_(hfy_post_functional_ *functional, const hfy_post *post, const hfy_real *x,
                                    size_t rows, size_t n, double *value, const char *missing, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  const char *name = functional == hfy_post_row_value_ ? "q" : "z";
  hfy_post full;
  hfy_post_scratch_ scratch = {NULL, NULL};
  hfy_status status = hfy_post_arguments_(post, rows, n, x ? missing : name, &full, w), one;
  size_t j;
  while (hfy_base_layout_(&arena, w, &status)) hfy_post_plan_(&arena, &full, n, 1, &scratch);
  if (!status) status = hfy_post_has_energy_(&full, n, &scratch, w);
  if (status) rows = 0;
  for (j = 0; j < rows; j++) {
    one = functional(&full, x + j * n, n, value + j, &scratch);
    if (one && !status) status = hfy_post_blame_(x + j * n, name, j, n, one, w);
  }
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_post_value(const hfy_post *post, const hfy_real *q, size_t rows, size_t n,
                                             double *psi, hfy_work *work) {
  return hfy_post_rows_(hfy_post_row_value_, post, q, rows, n, psi, psi ? NULL : "psi", work);
}

HFY_API HFY_SMALL_ hfy_status hfy_post_conjugate(const hfy_post *post, const hfy_real *z, size_t rows, size_t n,
                                                 double *psi_star, hfy_work *work) {
  return hfy_post_rows_(hfy_post_row_conjugate_, post, z, rows, n, psi_star, psi_star ? NULL : "psi_star", work);
}

#undef HFY_POST_TOLERANCE_

#endif /* HFY_HAS_POST_ */

#ifdef HFY_HAS_NET_
/* ------------------------------------------------------------------------------------------------------------------
   >>net.impl   the one walk:  q -> theta = beta sim(K, q) + bias -> p -> z = V^T p - c o q -> q + step (f(z) - q)
   May call: base, simd, sim, index (if it is there), structure, sep, post.
   First what a net may be; then >>net.plain, the walk as it is defined, one query at a time; >>net.fast, the same bits
   sooner; >>net.energy, energies and gradients.
   ------------------------------------------------------------------------------------------------------------------ */
enum {
  HFY_NET_TILE_ = 128,                /* queries of a tile at most */
  HFY_NET_TILE_BYTES_ = 2048 * 1024,  /* whole rows: bytes of scores at most, as long as that leaves a query */
  HFY_NET_BLOCK_BYTES_ = 256 * 1024,  /* keys of a block: they stay in the cache between scores and projection */
  HFY_NET_BLAS_TILE_ = 256,           /* with a BLAS: queries of a tile */
  HFY_NET_BLAS_BLOCK_ = 1024,         /* and rows of a block */
  HFY_NET_FOLD_ = 512,                /* rows of a fold at least; entries of a list's fold */
  HFY_NET_SEGMENT_ = 4096,            /* rows of a segment, about: what one worker takes at a time */
  HFY_NET_LISTED_ = 32768,            /* candidates of a tile, over all its queries, as long as that leaves */
  HFY_NET_LIST_ = 320,                /* each of them so many */
  HFY_NET_MEMO_ = 1024,               /* rows whose next state is remembered, at most */
  HFY_NET_FEW_ = 16384,               /* numbers of a tile's states that count as little */
  HFY_NET_FIRST_ = 8,                 /* rows scored for a first threshold, about */
  HFY_NET_SAMPLES_ = 16,              /* rows whose mean is the centre of bounds that move */
  HFY_NET_KEPT_BYTES_ = 2048 * 1024,  /* bounds kept for a query that moves, at most */
  HFY_NET_KEPT_ROW_ = 1024,           /* and only for rows of so many bytes: to read shorter ones costs less */
  HFY_NET_KEPT_KEYS_ = 4096 * 1024    /* without an index, of so many bytes in all: beyond the caches of a core */
};
#define HFY_NET_LOST_ 1e-150 /* norms this small may lose their squares */

/* The sums of one query so far: sum of e^(theta - top), and elsewhere e^(theta - top) x summed. */
typedef struct hfy_net_sum_ {
  double top, sum;
  size_t best;       /* where the top is */
  hfy_status status; /* NaN or +infinity met */
} hfy_net_sum_;

/* One of a net's arrays of rows: fills in its stride and checks that such an array can exist. */
HFY_COLD_ hfy_status hfy_net_check_rows_(const char *what, const char *wide, size_t width, size_t rows,
                                         const char *times, size_t *stride, hfy_work *work) {
  const int own = *stride || *what != 'k'; /* else it is dim that is too large */
  if (!*stride) *stride = width;
  if (*stride < width)
    return hfy_base_fail_(work, HFY_ERR_ARG, "net->%s_stride is %z; it should be 0 or at least %s, %z", what, *stride,
                          wide, width);
  if (hfy_base_fits_(rows, *stride, sizeof(hfy_real))) return HFY_OK;
  return hfy_base_fail_(work, HFY_ERR_ARG, "net->%s%s is %z: with a %s of %z such an array cannot exist",
                        own ? what : "dim", own ? "_stride" : "", *stride, times, rows);
}

/* Everything that can be wrong with a net for this many queries; fills in the defaults. */
HFY_COLD_ hfy_status hfy_net_resolve_(const hfy_net *net, size_t n_queries, hfy_net *full, hfy_work *work) {
  hfy_status status;
  if (!net) return hfy_base_null_(work, "net");
  *full = *net;
  if (!net->dim) return hfy_base_should_(work, "net->", "dim", 0, "at least 1");
  if (!net->count) return hfy_base_should_(work, "net->", "count", 0, "at least 1");
  if (!net->keys) return hfy_base_null_(work, "net->keys");
#ifndef HFY_HAS_INDEX_
  if (net->index)
    return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->index is set; it needs a build with HFY_ONLY_INDEX");
#endif
  status = hfy_net_check_rows_("key", "dim", net->dim, net->count, "count", &full->key_stride, work);
  if (status) return status;
  if (!net->values) {
    full->values = net->keys;
    full->value_stride = full->key_stride;
  }
  status = hfy_net_check_rows_("value", "dim", net->dim, net->count, "count", &full->value_stride, work);
  if (status) return status;
  if (!net->readout) full->readout_dim = full->readout_stride = 0;
  if (net->readout && !net->readout_dim)
    return hfy_base_should_(work, "net->", "readout_dim", 0, "with a readout at least 1");
  status = hfy_net_check_rows_("readout", "readout_dim", full->readout_dim, net->count, "count", &full->readout_stride,
                               work);
  if (!status && full->bias_stride)
    status = hfy_net_check_rows_("bias", "count", net->count, full->bias ? n_queries : 0, "n_queries",
                                 &full->bias_stride, work);
  if (status) return status;
  if (!hfy_base_fits_(n_queries, net->dim > full->readout_dim ? net->dim : full->readout_dim, sizeof(double)))
    return hfy_base_fail_(work, HFY_ERR_ARG, "net->dim is %z: with a n_queries of %z such an array cannot exist",
                          net->dim, n_queries);
  if ((unsigned)net->sim > HFY_SIM_MANHATTAN)
    return hfy_base_should_(work, "net->", "sim", (double)net->sim, "one of hfy_sim");
  if (!(net->beta >= 0 && hfy_base_is_finite_(net->beta)))
    return hfy_base_should_(work, "net->", "beta", net->beta, "above 0 and finite, or 0 for the default");
  if (!(net->step >= 0 && net->step <= 1))
    return hfy_base_should_(work, "net->", "step", net->step, "above 0 and at most 1, or 0 for 1");
  if (!(net->tol >= 0)) return hfy_base_should_(work, "net->", "tol", net->tol, "at least 0");
  if (!(net->beta > 0))
    full->beta = net->sim == HFY_SIM_DOT && hfy_sep_has_sum_(&net->sep) ? 1 / sqrt((double)net->dim) : 1;
  if (!(net->step > 0)) full->step = 1;
  if (!net->max_steps) full->max_steps = 1;
  status = hfy_sep_check_(&net->sep, n_queries, net->count, "net->sep.", work);
  if (status) return status;
  full->sep = hfy_sep_resolve_(&net->sep);
  return hfy_post_check_(&net->post, net->dim, &full->post, "net->post", work);
}

HFY_API HFY_SMALL_ hfy_status hfy_net_check(const hfy_net *net, hfy_net *resolved, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_net full;
  hfy_status status = hfy_net_resolve_(net, 1, &full, w);
  if (!status && resolved) *resolved = full;
  return hfy_base_close_(w, &local, status);
}

/* Says why a query has no answer. */
HFY_COLD_ hfy_status hfy_net_failed_(hfy_work *work, hfy_status status, size_t who) {
  if (status == HFY_ERR_NONFINITE)
    return hfy_base_fail_(
        work, status, "query %z: NaN or infinity in it, its scores or its new state; all should be finite", who);
  return hfy_sep_row_failed_(work, status, "query", who, NULL, 0, NULL);
}

/* Says why there is no energy. */
HFY_COLD_ hfy_status hfy_net_has_energy_(const hfy_net *full, hfy_post_scratch_ *scratch, hfy_work *work) {
  if (full->sim != HFY_SIM_DOT)
    return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED,
                          "net->sim is not HFY_SIM_DOT; only dot products have an energy");
  if (full->values != full->keys || full->value_stride != full->key_stride)
    return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->values are not the keys; such a net has no energy");
  return hfy_post_has_energy_(&full->post, full->dim, scratch, work);
}

/* Arguments of a call that a net does not know of. */
HFY_COLD_ hfy_status hfy_net_check_call_(const hfy_net *net, const hfy_real *queries, size_t n_queries,
                                         const hfy_real *out, const hfy_report *report, hfy_work *work) {
  if (n_queries && (!queries || !out)) return hfy_base_null_(work, !queries ? "queries" : "out");
  if (n_queries && net->readout && queries == out && net->readout_dim != net->dim)
    return hfy_base_fail_(work, HFY_ERR_ARG, "out is queries, but readout_dim %z is not dim %z", net->readout_dim,
                          net->dim);
  if (report &&
      ((report->weights && !hfy_base_fits_(n_queries, net->count, sizeof(hfy_real))) ||
       ((report->top_index || report->top_weight) && !hfy_base_fits_(n_queries, report->top, sizeof(size_t))) ||
       (report->energy && !hfy_base_fits_(n_queries, hfy_base_plus_(net->max_steps, 1), sizeof(double)))))
    return hfy_base_fail_(work, HFY_ERR_ARG, "report: arrays for %z queries cannot exist", n_queries);
  return HFY_OK;
}

/* --- what a call holds --- */

#ifndef HFY_PLAIN /* what >>net.fast knows of a call and of a tile */

typedef enum hfy_net_mode_ { HFY_NET_ROWS_, HFY_NET_LISTS_, HFY_NET_SUMS_ } hfy_net_mode_;

typedef struct hfy_net_fast_ {
  hfy_net_mode_ mode;
  int exponential;   /* sums: SOFTMAX or EXP */
  int keeps;         /* lists, many steps, one query at a time: bounds of all scores go with it from step to step */
  int remembers;     /* lists, many steps: a state that is one row's alone says all about the step from it */
  size_t kth;        /* lists: candidates count from the best (1), or by rank from the kth best */
  double margin;     /* lists: how far below */
  double negligible; /* sums: weights this far below the running maximum add nothing: -log */
  size_t capacity;   /* lists: candidates of one query */
  size_t workers;    /* that share one tile's keys */
#ifdef HFY_HAS_INDEX_
  hfy_index_seek_ seek;
#endif
} hfy_net_fast_;

/* The candidates of one query so far. */
typedef struct hfy_net_list_ {
  size_t *index; /* ascending */
  double *theta;
  size_t count, capacity;
  double top;        /* the best score so far; by rank: the kth best of a recent past */
  double lost;       /* the best of what a full list let go, or -infinity */
  hfy_status status; /* NaN or +infinity met */
} hfy_net_list_;

/* What a worker streams a segment of the keys in. */
typedef struct hfy_net_stream_ {
  hfy_real *scores;         /* tile x block */
  size_t *at;               /* block: candidates of a block */
  double *scratch;          /* block or capacity, whichever is more */
  hfy_net_list_ *list;      /* lists: tile; one worker's are the tile's own */
  hfy_net_sum_ *sum, *fold; /* sums: tile */
  hfy_real *z, *part;       /* sums: tile x width: a segment, a fold */
} hfy_net_stream_;

/* Where the state that is one row's alone went, when a query last was there. */
typedef struct hfy_net_memo_ {
  size_t from, to; /* rows; to SIZE_MAX: to a mixture, or it failed */
} hfy_net_memo_;

#ifdef HFY_HAS_INDEX_
/* Upper bounds of one query's scores, and the state that they are of. */
typedef struct hfy_net_bounds_ {
  hfy_real *upper;      /* N */
  double top;           /* the kth best theta is not below */
  size_t listed;        /* rows in sep.index whose bounds can reach it; SIZE_MAX: nobody looked */
  hfy_real *anchor;     /* D: `upper` holds bounds of this state's scores; NULL: nobody keeps them */
  int kept;             /* it does, of every row */
  double norm;          /* |anchor| */
  hfy_real *centre;     /* D: a point amid the rows */
  float *measured;      /* N, no index: how far from it they lie, rounded up */
  const float *far, *more; /* N: the same, as a sum of two (more: or NULL) */
  double unit;          /* of centre and far */
  double longest;       /* no row is longer; 0: not yet known */
} hfy_net_bounds_;
#endif

typedef struct hfy_net_tile_ {
  hfy_net_stream_ *stream; /* workers */
  hfy_net_list_ *list;     /* lists: tile */
  hfy_real *before;        /* sums into a readout, many steps: the states before the last move */
  hfy_net_memo_ *memo;
  size_t memos;            /* min(N, MEMO), 0: none are kept */
#ifdef HFY_HAS_INDEX_
  hfy_net_bounds_ bounds;
  hfy_index_scratch_ index;
#endif
} hfy_net_tile_;
#endif /* HFY_PLAIN */

/* Rows of patterns to project onto. */
typedef struct hfy_net_rows_ {
  const hfy_real *at;
  size_t stride, width;
} hfy_net_rows_;

/* p of one query: all N weights (index NULL) or a list; each waits for its factor e^log_scale (EXP). */
typedef struct hfy_net_weights_ {
  const size_t *index;
  const hfy_real *weight; /* NULL: nobody knows them but for the heaviest, best */
  size_t count, best;
  double log_scale;
} hfy_net_weights_;

/* A call: its net with every default filled in. */
typedef struct hfy_net_run_ {
  hfy_net net;
  const hfy_simd_ *simd;
  double *inverse_norms;        /* COSINE: 1/|x_i| */
  hfy_net_rows_ values, readout; /* readout.at NULL: none */
  const hfy_real *queries;
  hfy_real *out;            /* or NULL */
  hfy_real *path;           /* one query's states, (max_steps+1) x D; or NULL */
  const hfy_report *report; /* or NULL */
  int moves;                /* 0: a last step, into a readout, leaves the state alone */
  size_t block, fold, segment; /* rows: folds are whole blocks, segments whole folds */
  size_t tile, whole;          /* queries side by side; with whole rows of scores: 1 and 1 here */
#ifndef HFY_PLAIN
  hfy_net_fast_ fast;
#endif
} hfy_net_run_;

/* A query on its way. */
typedef struct hfy_net_walk_ {
  size_t who, step, limit; /* its number; steps made; at most */
  size_t marked, cycle;    /* the step of `mark`; 0, or the length of the cycle it is on */
  size_t single;           /* net.fast: the row whose state q is, or SIZE_MAX */
  double residual;         /* max|f(q) - q| of the last step */
  double log_scale;        /* of its weights, until they are projected */
  hfy_status status;
  int ended;               /* 1: made its last step; 2: and its last energy is known */
  hfy_real *q, *z, *mark;  /* D: state, projection, a state it was in before */
} hfy_net_walk_;

typedef struct hfy_net_scratch_ {
  hfy_sep_scratch_ sep;
  hfy_post_scratch_ post;
  hfy_net_walk_ *walk;                /* tile */
  hfy_real *q, *z, *mark, *out;       /* tile rows: states, ...; what the readout makes */
  hfy_real *scores, *part, *sum, *f;  /* whole x N; a fold, a segment of a projection; D: f(q) */
  double *inverse_q;                  /* COSINE: 1/|q| */
  hfy_net_sum_ *sums;                 /* tile: SOFTMAX, EXP, IDENTITY, POWER, in one pass */
  size_t failed;                      /* the first query that has no answer */
  hfy_status failure;                 /* and why; HFY_OK: all have */
#ifndef HFY_PLAIN
  hfy_net_tile_ fast;
#endif
} hfy_net_scratch_;

/* Checks a net; blocks, folds and segments, which set the order of sums, depend on it alone. */
HFY_COLD_ hfy_status hfy_net_begin_(const hfy_net *net, size_t n_queries, hfy_net_run_ *run, hfy_work *work) {
  hfy_net *full = &run->net;
  size_t fit;
  hfy_status status;
  memset(run, 0, sizeof *run);
  status = hfy_net_resolve_(net, n_queries, full, work);
  if (status) return status;
  run->simd = hfy_simd_choose_(work);
  if (!run->simd) return HFY_ERR_UNSUPPORTED;
  run->values.at = full->values;
  run->values.stride = full->value_stride;
  run->values.width = full->dim;
  run->readout.at = full->readout;
  run->readout.stride = full->readout_stride;
  run->readout.width = full->readout_dim;
  run->moves = 1;
  run->tile = run->whole = 1;
  fit = HFY_NET_BLOCK_BYTES_ / hfy_base_times_(full->dim, sizeof(hfy_real)) & ~(size_t)7;
  run->block = hfy_base_min_(fit < 8 ? 8 : hfy_base_min_(fit, 512), (full->count | 7) + 1);
  run->fold = run->block * ((HFY_NET_FOLD_ - 1) / run->block + 1);
  fit = hfy_base_min_(HFY_NET_SEGMENT_, full->count / 6) + run->fold / 2; /* six or so at least, for workers */
  run->segment = fit < run->fold ? run->fold : run->fold * (fit / run->fold);
  return HFY_OK;
}

/* What is asked of it, and whether that takes a last step's state. */
HFY_PRIVATE_ void hfy_net_call_of_(hfy_net_run_ *run, const hfy_real *queries, hfy_real *out,
                                   const hfy_report *report) {
  run->queries = queries;
  run->out = out;
  run->report = report;
  run->moves = !run->readout.at || (report && (report->energy || report->residual));
}

HFY_COLD_ double *hfy_net_plan_norms_(hfy_base_arena_ *arena, const hfy_net *net) {
  return HFY_TAKE_(arena, double, net->sim == HFY_SIM_COSINE ? net->count : 0);
}

HFY_COLD_ void hfy_net_plan_(hfy_base_arena_ *arena, const hfy_net_run_ *run, int energies, hfy_net_scratch_ *s) {
  size_t t = run->tile, dim = run->net.dim, out = run->readout.width, states = hfy_base_times_(t, dim);
  size_t sums = hfy_base_times_(run->whole ? run->whole : 1, dim > out ? dim : out);
  hfy_sep_plan_(arena, run->simd, &run->net.sep, run->net.count, 0, &s->sep);
  hfy_post_plan_(arena, &run->net.post, dim, energies, &s->post);
  s->failure = HFY_OK;
  s->walk = HFY_TAKE_(arena, hfy_net_walk_, t);
  s->q = HFY_TAKE_(arena, hfy_real, states);
  s->z = HFY_TAKE_(arena, hfy_real, states);
  s->mark = HFY_TAKE_(arena, hfy_real, run->net.max_steps > 2 ? states : 0);
  s->out = HFY_TAKE_(arena, hfy_real, hfy_base_times_(t, out));
  s->scores = HFY_TAKE_(arena, hfy_real, hfy_base_times_(run->whole, run->net.count));
  s->part = HFY_TAKE_(arena, hfy_real, sums);
  s->sum = HFY_TAKE_(arena, hfy_real, sums);
  s->f = HFY_TAKE_(arena, hfy_real, dim);
  s->sums = HFY_TAKE_(arena, hfy_net_sum_, hfy_sep_is_list_(&run->net.sep) ? 0 : t);
  s->inverse_q = HFY_TAKE_(arena, double, run->net.sim == HFY_SIM_COSINE ? t : 0);
}

/* How many queries' whole rows of scores stand side by side. */
HFY_PRIVATE_ size_t hfy_net_few_rows_(const hfy_net *net) {
  size_t fit = HFY_NET_TILE_BYTES_ / sizeof(hfy_real) / net->count;
  return fit < 1 ? 1 : hfy_base_min_(fit, HFY_NET_TILE_);
}

/* What COSINE needs of keys and queries. */
HFY_COLD_ void hfy_net_prepare_(hfy_net_run_ *run) {
  if (run->net.sim == HFY_SIM_COSINE)
    hfy_sim_inverse_norms_(run->simd, run->net.keys, run->net.key_stride, run->net.count, run->net.dim,
                           run->inverse_norms);
}

HFY_PRIVATE_ void hfy_net_norms_(const hfy_net_run_ *run, const hfy_real *q, size_t nq, double *inverse_q) {
  if (run->net.sim == HFY_SIM_COSINE) hfy_sim_inverse_norms_(run->simd, q, run->net.dim, nq, run->net.dim, inverse_q);
}

/* How many rows a query sees. */
HFY_PRIVATE_ size_t hfy_net_seen_(const hfy_net *net, size_t who) {
  return net->visible ? hfy_base_min_(net->visible[who], net->count) : net->count;
}

/* The rows of place j. */
HFY_PRIVATE_ void hfy_net_place_(const hfy_net_run_ *run, size_t j, hfy_net_scratch_ *s) {
  size_t at = j * run->net.dim;
  s->walk[j].q = s->q + at;
  s->walk[j].z = s->z + at;
  s->walk[j].mark = s->mark ? s->mark + at : NULL;
}

/* Seats query `who` in place j. */
HFY_PRIVATE_ void hfy_net_admit_(const hfy_net_run_ *run, const hfy_real *queries, size_t who, size_t j,
                                 hfy_net_scratch_ *s) {
  size_t d, dim = run->net.dim;
  hfy_net_walk_ *w = s->walk + j;
  memset(w, 0, sizeof *w);
  w->who = who;
  w->limit = run->net.max_steps;
  w->single = SIZE_MAX;
  hfy_net_place_(run, j, s);
  memcpy(w->q, queries + who * dim, dim * sizeof *w->q);
  for (d = 0; d < dim; d++)
    if (!hfy_base_is_finite_((double)w->q[d])) w->status = HFY_ERR_NONFINITE;
}

/* Sums start from -0: a weight of 1 then copies its row to the bit, the sign of zeros included. */
HFY_PRIVATE_ void hfy_net_zero_(hfy_real *z, size_t n) {
  size_t d, m = hfy_base_min_(n, 256);
  for (d = 0; d < m; d++) z[d] = (hfy_real)-0.0;
  for (; d < n; d += m) {
    m = hfy_base_min_(hfy_base_min_(d, 2048), n - d);
    memcpy(z + d, z, m * sizeof *z);
  }
}

HFY_PRIVATE_ void hfy_net_add_(const hfy_real *HFY_RESTRICT_ part, size_t n, hfy_real *HFY_RESTRICT_ z) {
  size_t d;
  for (d = 0; d < n; d++) z[d] += part[d];
}

/* p = separation(theta). A list's weights are rounded where they stand; others take the place of theta. */
HFY_PRIVATE_ hfy_net_weights_ hfy_net_listed_weights_(hfy_sep_scratch_ *sep) {
  hfy_net_weights_ p = {sep->index, (const hfy_real *)(const void *)sep->weight, sep->count, 0, 0};
  size_t i;
  for (i = 0; i < sep->count; i++) {
    hfy_real w = (hfy_real)sep->weight[i];
    memcpy((unsigned char *)sep->weight + i * sizeof w, &w, sizeof w);
  }
  return p;
}

/* The heaviest weight after `previous` (descending, ties by position); SIZE_MAX: the first, or none that is not 0. */
HFY_COLD_ size_t hfy_net_heaviest_(const hfy_net_weights_ *p, size_t previous) {
  const hfy_real *w = p->weight;
  size_t i, choice = SIZE_MAX;
  for (i = 0; i < p->count; i++) {
    if (!(w[i] > 0 || w[i] < 0)) continue;
    if (previous != SIZE_MAX && (w[i] > w[previous] || (!(w[i] < w[previous]) && i <= previous))) continue;
    if (choice == SIZE_MAX || w[i] > w[choice]) choice = i;
  }
  return choice;
}

/* e^log_scale w, saturating to infinity. */
HFY_COLD_ hfy_real hfy_net_rescaled_(hfy_real w, double log_scale) {
  double v = w > 0 ? exp(log_scale + log((double)w)) : 0;
  if (!(log_scale > 0) && !(log_scale < 0)) return w;
  return v > HFY_REAL_MAX_ ? (hfy_real)HUGE_VAL : (hfy_real)v;
}

/* E(q) = -Omega*(theta)/beta + Psi(q) + 1/2 sum c q^2   (HFY eq. 6) */
HFY_COLD_ hfy_status hfy_net_energy_(const hfy_net_run_ *run, const hfy_real *theta, const hfy_real *q, size_t who,
                                     double *energy, hfy_net_scratch_ *s) {
  const hfy_net *net = &run->net;
  double conjugate, psi, self = 0;
  size_t d;
  hfy_status status = hfy_sep_conjugate_(&net->sep, theta, net->count, who, &conjugate, &s->sep);
  if (!status) status = hfy_post_row_value_(&net->post, q, net->dim, &psi, &s->post);
  if (status) return status;
  for (d = 0; net->self_coupling && d < net->dim; d++)
    self += 0.5 * (double)net->self_coupling[d] * (double)q[d] * (double)q[d];
  *energy = -conjugate / net->beta + psi + self;
  return HFY_OK;
}

/* The report's energy of a state, before the step from it; that of the last state also fills the tail. */
HFY_COLD_ void hfy_net_note_energy_(const hfy_net_run_ *run, hfy_net_walk_ *w, const hfy_real *theta,
                                    hfy_net_scratch_ *s) {
  size_t most = run->net.max_steps, k = w->step;
  double *energy;
  if (!run->report || !run->report->energy) return;
  energy = run->report->energy + w->who * (most + 1);
  if (hfy_net_energy_(run, theta, w->q, w->who, energy + k, s)) energy[k] = -HUGE_VAL;
  for (; w->ended && k < most; k++) energy[k + 1] = energy[k];
  if (w->ended) w->ended = 2;
}

/* ------------------------------------------------------------------------------------------------------------------
   >>net.plain   the definition: one query at a time, every score, every weight   (HFY eq. 8)
       theta = beta sim(K, q) + bias        scores
       p     = separation(theta)            separate
       z     = V^T p - c o q                project, step
       q    <- q + step (post(z) - q)       step; until q stands still or goes round: stops; then: answer
   HFY_PLAIN compiles this and no net.fast; otherwise net.fast builds on its parts, and tests compare the two.
   ------------------------------------------------------------------------------------------------------------------ */

/* beta sim(x_i, q) of nq queries and keys from .. from+n-1. */
HFY_PRIVATE_ void hfy_net_scores_(const hfy_net_run_ *run, const hfy_real *q, size_t nq, const double *inverse_q,
                                  size_t from, size_t n, hfy_real *scores, size_t stride) {
  const hfy_net *net = &run->net;
  hfy_sim_rows_ x = {net->keys + from * net->key_stride, net->key_stride, n, NULL};
  hfy_sim_rows_ side = {q, net->dim, nq, inverse_q};
  x.inverse = run->inverse_norms ? run->inverse_norms + from : NULL;
  hfy_sim_tile_(run->simd, net->sim, net->beta, &x, &side, net->dim, scores, stride);
}

/* + bias; what the query must not see, or a bias of -infinity masks whatever the key holds, is -infinity. */
HFY_PRIVATE_ void hfy_net_mask_(const hfy_net *net, size_t who, size_t from, size_t n, hfy_real *theta) {
  size_t i, seen = n;
  if (net->visible) seen = net->visible[who] < from ? 0 : hfy_base_min_(net->visible[who] - from, n);
  if (net->bias) {
    const hfy_real *bias = net->bias + who * net->bias_stride + from;
    for (i = 0; i < seen; i++) theta[i] = hfy_base_is_neg_inf_((double)bias[i]) ? bias[i] : theta[i] + bias[i];
  }
  for (i = seen; i < n; i++) theta[i] = (hfy_real)-HUGE_VAL;
}

/* Every score of query `who` in state q. */
HFY_PRIVATE_ void hfy_net_theta_(const hfy_net_run_ *run, size_t who, const hfy_real *q, hfy_net_scratch_ *s,
                                 hfy_real *theta) {
  hfy_net_norms_(run, q, 1, s->inverse_q);
  hfy_net_scores_(run, q, 1, s->inverse_q, 0, run->net.count, theta, run->net.count);
  hfy_net_mask_(&run->net, who, 0, run->net.count, theta);
}

HFY_PRIVATE_ hfy_status hfy_net_separate_(const hfy_net_run_ *run, size_t who, hfy_real *theta, hfy_net_scratch_ *s,
                                          hfy_net_weights_ *p) {
  const hfy_net_weights_ all = {NULL, theta, run->net.count, 0, 0};
  hfy_status status;
  if (hfy_sep_is_list_(&run->net.sep)) {
    status = hfy_sep_list_(&run->net.sep, theta, run->net.count, who, &s->sep);
    if (!status) *p = hfy_net_listed_weights_(&s->sep);
    return status;
  }
  *p = all;
  return hfy_sep_fill_(&run->net.sep, theta, run->net.count, who, theta, &p->log_scale, &s->sep);
}

/* z = V^T p of nq queries with all N weights: rows in ascending order within folds, folds within segments. */
HFY_PRIVATE_ void hfy_net_project_all_(const hfy_net_run_ *run, const hfy_real *weight, size_t nq,
                                       const hfy_net_rows_ *rows, hfy_net_scratch_ *s, hfy_real *z) {
  size_t from = 0, to, end, n = run->net.count, size = nq * rows->width;
  hfy_net_zero_(z, size);
  while (from < n) {
    hfy_net_zero_(s->sum, size);
    for (end = hfy_base_min_(from + run->segment, n); from < end; from = to) {
      to = hfy_base_min_(from + run->fold, end);
      hfy_net_zero_(s->part, size);
      run->simd->combine(weight + from, n, nq, rows->at + from * rows->stride, rows->stride, to - from,
                         rows->width, s->part, rows->width);
      hfy_net_add_(s->part, size, s->sum);
    }
    hfy_net_add_(s->sum, size, z);
  }
}

/* z = V^T p of one query. */
HFY_PRIVATE_ void hfy_net_project_(const hfy_net_run_ *run, const hfy_net_weights_ *p, const hfy_net_rows_ *rows,
                                   hfy_net_scratch_ *s, hfy_real *z) {
  size_t from, n;
  if (!p->index) {
    hfy_net_project_all_(run, p->weight, 1, rows, s, z);
    return;
  }
  hfy_net_zero_(z, rows->width);
  for (from = 0; from < p->count; from += n) {
    n = hfy_base_min_(HFY_NET_FOLD_, p->count - from);
    hfy_net_zero_(s->part, rows->width);
    run->simd->gather(p->index + from, p->weight + from, n, rows->at, rows->stride, rows->width, s->part);
    hfy_net_add_(s->part, rows->width, z);
  }
}

/* z <- z - c o q, where z waits for e^log_scale. */
HFY_PRIVATE_ void hfy_net_uncouple_(const hfy_net *net, const hfy_real *q, hfy_real *z, double *log_scale) {
  double up = *log_scale < 0 ? exp(*log_scale) : 1, down = *log_scale > 0 ? exp(-*log_scale) : 1;
  size_t d;
  if (!net->self_coupling) return;
  if (*log_scale < 0) *log_scale = 0;
  for (d = 0; d < net->dim; d++)
    z[d] = (hfy_real)(up * (double)z[d] - down * (double)net->self_coupling[d] * (double)q[d]);
}

/* Is it in a state that it was in before, to the bit? (Brent: compare with a marked state, mark anew at powers of two.)
   The map is deterministic, so it goes round for ever: a cycle within a few last bits is standing still; round a wider
   one whole turns are skipped. */
HFY_PRIVATE_ int hfy_net_turns_(const hfy_net_run_ *run, hfy_net_walk_ *w) {
  const hfy_net *net = &run->net;
  const size_t row = net->dim * sizeof *w->q;
  double size = 0;
  size_t d;
  if (!w->mark || w->cycle) return 0;
  if (w->marked && !memcmp(w->mark, w->q, row)) {
    w->cycle = w->step - w->marked;
    for (d = 0; d < net->dim; d++) size = fabs((double)w->q[d]) > size ? fabs((double)w->q[d]) : size;
    if (w->residual <= 16 * HFY_REAL_EPS_ * size) return 1;
    if (!net->readout && !(run->report && run->report->energy))
      w->limit = w->step + (net->max_steps - w->step) % w->cycle;
    return w->step >= w->limit;
  }
  if (!(w->step & (w->step - 1))) {
    memcpy(w->mark, w->q, row);
    w->marked = w->step;
  }
  return 0;
}

/* With z = V^T p in w->z (moves 0: not wanted): q <- q + step (post(z - c o q) - q). Was that the last step? */
HFY_PRIVATE_ int hfy_net_step_(const hfy_net_run_ *run, hfy_net_walk_ *w, double log_scale, int moves,
                               hfy_net_scratch_ *s) {
  const hfy_net *net = &run->net;
  size_t d;
  int stops = w->step + 1 >= w->limit;
  w->residual = 0;
  if (moves) {
    hfy_net_uncouple_(net, w->q, w->z, &log_scale);
    w->status = hfy_post_row_(&net->post, w->z, log_scale, w->q, net->dim, s->f, &s->post);
    if (w->status) return 0;
    w->residual = run->simd->apart(s->f, w->q, net->dim);
    for (d = 0; net->step < 1 && d < net->dim; d++)
      w->q[d] = (hfy_real)((double)w->q[d] + net->step * ((double)s->f[d] - (double)w->q[d]));
    if (!(net->step < 1)) memcpy(w->q, s->f, net->dim * sizeof *w->q);
    if (run->path) memcpy(run->path + (w->step + 1) * net->dim, w->q, net->dim * sizeof *w->q);
    stops |= w->residual <= net->tol;
  }
  w->step++;
  return stops || (moves && hfy_net_turns_(run, w));
}

/* What the last step's p tells. */
HFY_COLD_ void hfy_net_report_(const hfy_report *r, size_t who, size_t n, const hfy_net_weights_ *p) {
  size_t i, l, at = SIZE_MAX, support = 0;
  if (r->best) {
    size_t best = p->weight ? hfy_net_heaviest_(p, SIZE_MAX) : p->best;
    r->best[who] = best == SIZE_MAX ? 0 : p->index ? p->index[best] : best;
  }
  if (!p->weight) return;
  for (i = 0; r->support && i < p->count; i++) support += p->weight[i] > 0 || p->weight[i] < 0;
  if (r->support) r->support[who] = support;
  for (l = 0; (r->top_index || r->top_weight) && l < r->top; l++) {
    if (!l || at != SIZE_MAX) at = hfy_net_heaviest_(p, at);
    if (r->top_index) r->top_index[who * r->top + l] = at == SIZE_MAX || !p->index ? at : p->index[at];
    if (r->top_weight)
      r->top_weight[who * r->top + l] = at == SIZE_MAX ? 0 : hfy_net_rescaled_(p->weight[at], p->log_scale);
  }
  if (r->weights) {
    if (p->index) memset(r->weights + who * n, 0, n * sizeof *r->weights);
    for (i = 0; i < p->count; i++)
      r->weights[who * n + (p->index ? p->index[i] : i)] = hfy_net_rescaled_(p->weight[i], p->log_scale);
  }
}

/* The answer, and what the report asks. gathered: what the readout made of p. */
HFY_PRIVATE_ void hfy_net_answer_(const hfy_net_run_ *run, hfy_net_walk_ *w, const hfy_net_weights_ *p,
                                  hfy_real *gathered) {
  const hfy_report *r = run->report;
  size_t d, width = run->readout.at ? run->readout.width : run->net.dim;
  double scale = p->log_scale > 0 || p->log_scale < 0 ? exp(p->log_scale) : 1;
  w->ended = 1;
  for (d = 0; run->readout.at && d < width; d++) {
    double v = scale * (double)gathered[d];
    if (!(fabs(v) <= HFY_REAL_MAX_)) w->status = HFY_ERR_NONFINITE;
    gathered[d] = (hfy_real)v;
  }
  if (w->status) return;
  if (run->out) memcpy(run->out + w->who * width, run->readout.at ? gathered : w->q, width * sizeof *run->out);
  if (!r) return;
  if (r->steps) r->steps[w->who] = w->step;
  if (r->residual) r->residual[w->who] = w->residual;
  if (r->cycle) r->cycle[w->who] = w->cycle;
  hfy_net_report_(r, w->who, run->net.count, p);
}

/* The walk of query `who`. */
HFY_PRIVATE_ hfy_status hfy_net_walk_plainly_(const hfy_net_run_ *run, size_t who, hfy_net_scratch_ *s) {
  hfy_net_walk_ *w = s->walk;
  hfy_net_admit_(run, run->queries, who, 0, s);
  while (!w->status && w->ended < 2) {
    int moves = run->moves || w->step + 1 < run->net.max_steps, stops;
    hfy_net_weights_ p;
    hfy_net_theta_(run, who, w->q, s, s->scores);
    hfy_net_note_energy_(run, w, s->scores, s);
    if (w->ended) break;
    w->status = hfy_net_separate_(run, who, s->scores, s, &p);
    if (w->status) break;
    if (moves) hfy_net_project_(run, &p, &run->values, s, w->z);
    stops = hfy_net_step_(run, w, p.log_scale, moves, s);
    if (w->status || !stops) continue;
    if (run->readout.at) hfy_net_project_(run, &p, &run->readout, s, s->out);
    hfy_net_answer_(run, w, &p, s->out);
    if (!run->report || !run->report->energy) break;
  }
  if (run->report && run->report->status) run->report->status[who] = w->status;
  return w->status;
}

#ifndef HFY_PLAIN
/* ------------------------------------------------------------------------------------------------------------------
   >>net.fast   the same walk sooner
   How: queries run in tiles that share one read of the keys; a query that stands still leaves its place to the next.
   Nothing of a query's arithmetic depends on its tile, nor on the number of workers.
     lists   a separation with a margin: find the candidates within it of the best score (or of the kth best), solve on
             those, add the rows of the support. The same bits as net.plain, whatever finds them: one pass over the
             keys; an index; bounds that a query alone takes along; a memo of where a row's state goes.
     sums    SOFTMAX, EXP, IDENTITY, POWER: running maximum, rescaled sums, in one pass. To rounding as net.plain
             (IDENTITY, POWER: to the bit).
     rows    whole rows of scores, in tiles of few queries: bounds, sums of kinds, a report of weights or energies
   ------------------------------------------------------------------------------------------------------------------ */

/* --- lists: candidates within the margin --- */

HFY_COLD_ hfy_net_list_ *hfy_net_plan_lists_(hfy_base_arena_ *arena, const hfy_net_run_ *run) {
  size_t j, capacity = run->fast.capacity, room = hfy_base_times_(run->tile, capacity);
  hfy_net_list_ *list = HFY_TAKE_(arena, hfy_net_list_, run->tile);
  size_t *index = HFY_TAKE_(arena, size_t, room);
  double *theta = HFY_TAKE_(arena, double, room);
  for (j = 0; list && j < run->tile; j++) {
    list[j].index = index + j * capacity;
    list[j].theta = theta + j * capacity;
    list[j].capacity = capacity;
  }
  return list;
}

HFY_PRIVATE_ void hfy_net_clear_list_(hfy_net_list_ *list, double top) {
  list->count = 0;
  list->top = top;
  list->lost = -HUGE_VAL;
  list->status = HFY_OK;
}

/* Keeps what lies above bar and can still matter. */
HFY_PRIVATE_ void hfy_net_keep_(const hfy_net_run_ *run, hfy_net_list_ *list, double bar) {
  size_t i, kept = 0;
  for (i = 0; i < list->count; i++)
    if (list->theta[i] > bar && hfy_sim_matters_(list->top, run->fast.margin, list->theta[i])) {
      list->index[kept] = list->index[i];
      list->theta[kept++] = list->theta[i];
    }
  list->count = kept;
}

/* Drops candidates that later ones have outdone; by rank the bar rises first, to the kth best of what is listed. */
HFY_PRIVATE_ void hfy_net_compact_(const hfy_net_run_ *run, hfy_net_list_ *list, double *scratch) {
  if (run->fast.kth > 1 && list->count >= run->fast.kth) {
    double kth;
    memcpy(scratch, list->theta, list->count * sizeof *scratch);
    kth = hfy_base_kth_largest_(scratch, list->count, run->fast.kth);
    if (kth > list->top) list->top = kth;
  }
  hfy_net_keep_(run, list, -HUGE_VAL);
}

/* Appends one candidate. If a full list stays so, its worse half is lost: better ones may come that it cannot match. */
HFY_PRIVATE_ void hfy_net_append_(const hfy_net_run_ *run, hfy_net_list_ *list, size_t index, double theta,
                                  double *scratch) {
  if (list->count == list->capacity) {
    hfy_net_compact_(run, list, scratch);
    if (list->count > list->capacity / 4 * 3) {
      double bar;
      memcpy(scratch, list->theta, list->count * sizeof *scratch);
      bar = hfy_base_kth_largest_(scratch, list->count, list->count / 2 + 1);
      hfy_net_keep_(run, list, bar);
      if (bar > list->lost) list->lost = bar;
    }
  }
  if (!hfy_sim_matters_(list->top, run->fast.margin, theta)) return;
  list->index[list->count] = index;
  list->theta[list->count++] = theta;
}

/* Takes in a block of scores. */
HFY_PRIVATE_ void hfy_net_collect_(const hfy_net_run_ *run, hfy_net_list_ *list, const hfy_real *theta, size_t from,
                                   size_t n, hfy_net_stream_ *t) {
  size_t i, found;
  double top;
  hfy_status status = hfy_sep_top_(run->simd, theta, n, NULL, &top);
  if (status == HFY_ERR_ARG || list->status) return; /* all of the block is masked, or it is no use */
  list->status = status;
  if (status) return;
  if (run->fast.kth == 1 && top > list->top) list->top = top;
  if (!hfy_sim_matters_(list->top, run->fast.margin, top)) return;
  found = run->simd->window(theta, n, (hfy_real)list->top, run->fast.margin, t->at, t->scratch);
  for (i = 0; i < found; i++) hfy_net_append_(run, list, from + t->at[i], (double)theta[t->at[i]], t->scratch);
}

/* One worker's list into that of all, which holds earlier rows. */
HFY_PRIVATE_ void hfy_net_join_(const hfy_net_run_ *run, hfy_net_list_ *all, const hfy_net_list_ *part,
                                double *scratch) {
  size_t l;
  if (run->fast.kth == 1 && part->top > all->top) all->top = part->top;
  if (part->status && !all->status) all->status = part->status;
  if (part->lost > all->lost) all->lost = part->lost;
  for (l = 0; l < part->count; l++) hfy_net_append_(run, all, part->index[l], part->theta[l], scratch);
}

/* --- sums: running maximum   (math 12) --- */

HFY_PRIVATE_ void hfy_net_clear_sum_(hfy_net_sum_ *sum, double top) {
  memset(sum, 0, sizeof *sum);
  sum->top = top;
}

/* A block of scores into weights relative to the running maximum, which may rise: z then shrinks. 0: all are 0. */
HFY_PRIVATE_ int hfy_net_weigh_(const hfy_net_run_ *run, hfy_net_sum_ *sum, hfy_real *theta, size_t from, size_t n,
                                hfy_real *z, size_t width) {
  const double negligible = run->fast.negligible;
  const int exponential = run->fast.exponential;
  double top;
  size_t i;
  hfy_status status = hfy_sep_top_(run->simd, theta, n, NULL, &top);
  if (status == HFY_ERR_NONFINITE) sum->status = status;
  if (status || sum->status || (exponential && top < sum->top - negligible)) {
    memset(theta, 0, n * sizeof *theta);
    return 0;
  }
  if (top > sum->top) {
    for (i = 0; (double)theta[i] < top;) i++;
    sum->best = from + i;
    if (exponential && sum->sum > 0) {
      double shrink = top - sum->top < negligible ? exp(sum->top - top) : 0;
      sum->sum *= shrink;
      if (shrink > 0)
        run->simd->scale_once(z, width, shrink);
      else
        hfy_net_zero_(z, width);
    }
    sum->top = top;
  }
  if (exponential) {
    sum->sum += run->simd->softmax(theta, n, (hfy_real)sum->top, theta);
    run->simd->cut(theta, n, exp(-negligible));
    return 1;
  }
  sum->status = hfy_sep_elementwise_(&run->net.sep, theta, n, theta);
  if (sum->status) memset(theta, 0, n * sizeof *theta);
  return !sum->status;
}

/* Adds a later segment's sums to those of all earlier ones. */
HFY_PRIVATE_ void hfy_net_merge_(const hfy_net_run_ *run, hfy_net_sum_ *all, hfy_real *z, const hfy_net_sum_ *part,
                                 const hfy_real *z_part, size_t width) {
  double keep = 1, add = 1, rise = part->top - all->top;
  if (part->status && !all->status) all->status = part->status;
  if (all->status || hfy_base_is_neg_inf_(part->top)) return;
  if (run->fast.exponential) {
    keep = rise < run->fast.negligible ? exp(-rise) : 0;
    add = -rise < run->fast.negligible ? exp(rise) : 0;
    if (keep > 1) keep = 1;
    if (add > 1) add = 1;
    all->sum = all->sum * keep + part->sum * add;
  }
  if (part->top > all->top) {
    all->top = part->top;
    all->best = part->best;
  }
  if (!(keep > 0)) hfy_net_zero_(z, width); /* nothing of it is left: the first sums are copied to the bit */
  if (add > 0) run->simd->mix(z, z_part, width, keep, add);
}

/* --- from upper bounds of scores to the candidates of a pass over all keys   (math 13.1) --- */

#ifdef HFY_HAS_INDEX_
/* Exact scores of n <= 64 rows from `row` on. */
HFY_PRIVATE_ void hfy_net_exact_(const hfy_net_run_ *run, const hfy_net_walk_ *w, size_t row, size_t n, double *theta) {
  hfy_real score[64];
  size_t i;
  hfy_net_scores_(run, w->q, 1, NULL, row, n, score, n);
  hfy_net_mask_(&run->net, w->who, row, n, score);
  for (i = 0; i < n; i++) theta[i] = (double)score[i];
}

/* Raises b->top by exact scores of the rows that promise most, of n in a list or (NULL) of rows 0 .. n-1: those that no
   more than a few of the best of disjoint parts outdo. They replace those rows' upper bounds. */
HFY_PRIVATE_ void hfy_net_first_(const hfy_net_run_ *run, const hfy_net_walk_ *w, const size_t *list, size_t n,
                                 hfy_net_scratch_ *s) {
  const size_t kth = run->fast.kth, few = kth > HFY_NET_FIRST_ ? kth : (size_t)HFY_NET_FIRST_;
  const size_t part = list || n < 16 * few ? 1 : n / (8 * few);
  hfy_net_bounds_ *b = &s->fast.bounds;
  double *some = s->sep.weight, bar;
  size_t i, m = 0;
  for (i = 0; i < n; i += part) {
    some[m] = (double)(list ? b->upper[list[i]] : run->simd->max(b->upper + i, hfy_base_min_(part, n - i), NULL));
    m += some[m] > -HUGE_VAL;
  }
  if (m < kth) return;
  bar = hfy_base_kth_largest_(some, m, hfy_base_min_(few, m));
  if (!list) n = run->simd->window(b->upper, n, (hfy_real)bar, 0, s->sep.index, some);
  if (!list) list = s->sep.index;
  for (i = m = 0; i < n && m < 4 * few; i++) {
    if (!((double)b->upper[list[i]] >= bar)) continue;
    hfy_net_exact_(run, w, list[i], 1, some + m);
    b->upper[list[i]] = (hfy_real)some[m];
    m += !hfy_base_is_nan_(some[m]);
  }
  bar = m < kth ? -HUGE_VAL : hfy_base_kth_largest_(some, m, kth);
  if (bar > b->top) b->top = bar;
}

/* Lists the rows below n whose upper bound reaches the best, if they are `most` at most: else SIZE_MAX. */
HFY_PRIVATE_ size_t hfy_net_reach_(const hfy_net_run_ *run, const hfy_net_walk_ *w, size_t n, size_t most,
                                   hfy_net_scratch_ *s) {
  const hfy_net_bounds_ *b = &s->fast.bounds;
  size_t i, listed = 0;
  hfy_net_first_(run, w, NULL, n, s);
  for (i = 0; i < n; i++) {
    double u = (double)b->upper[i];
    if (!hfy_sim_matters_(b->top, run->fast.margin, u) || hfy_base_is_neg_inf_(u)) continue;
    if (listed == most) return SIZE_MAX;
    s->sep.index[listed++] = i;
  }
  return listed;
}

/* From the listed rows (ascending, in s->sep.index) to the candidates. Exact scores replace upper bounds. */
HFY_PRIVATE_ hfy_status hfy_net_finish_(const hfy_net_run_ *run, const hfy_net_walk_ *w, hfy_net_scratch_ *s) {
  hfy_net_bounds_ *b = &s->fast.bounds;
  hfy_net_list_ all = {s->sep.index, s->sep.weight, 0, 0, 0, 0, HFY_OK};
  const double margin = run->fast.margin;
  size_t i, l, n; /* so many rows stand side by side */
  for (i = 0; i < b->listed; i += n) {
    const size_t *row = all.index + i;
    for (n = 0; n < hfy_base_min_(b->listed - i, 64) && row[n] == *row + n; n++)
      if (!hfy_sim_matters_(b->top, margin, (double)b->upper[row[n]])) break;
    hfy_net_exact_(run, w, *row, n, all.theta + all.count);
    for (l = 0; l < n; l++, all.count++) {
      double theta = all.theta[all.count];
      if (hfy_base_is_nan_(theta) || hfy_base_is_pos_inf_(theta)) return HFY_ERR_NONFINITE;
      b->upper[row[l]] = (hfy_real)theta;
      all.index[all.count] = row[l];
      if (run->fast.kth == 1 && theta > b->top) b->top = theta;
    }
    if (!n) n = 1; /* passed over */
  }
  all.top = b->top;
  hfy_net_compact_(run, &all, s->sep.sorted);
  s->sep.count = all.count;
  return all.count ? HFY_OK : HFY_ERR_ARG;
}

/* --- bounds that go along with a query   (math 13.6) --- */

/* At least |x|. */
HFY_PRIVATE_ double hfy_net_length_(const hfy_real *x, size_t dim) {
  double squares = 0;
  size_t d;
  for (d = 0; d < dim; d++) squares += (double)x[d] * (double)x[d];
  return hfy_sim_norm_(squares, dim) + HFY_NET_LOST_;
}

/* How far n <= 8 rows from `from` on lie from the centre, rounded up (to 1e-36 at least: no tiny key drops out). */
HFY_PRIVATE_ void hfy_net_measure_(const hfy_net_run_ *run, size_t from, size_t n, hfy_net_bounds_ *b) {
  const size_t dim = run->net.dim, stride = run->net.key_stride;
  const double up = 1 + 2 * hfy_sim_slack_(dim) + 4 * HFY_REAL_EPS_, more = 4 * ((double)dim + 64) * HFY_REAL_MIN_;
  hfy_real square[8];
  size_t i;
  run->simd->euclidean(run->net.keys + from * stride, stride, n, b->centre, dim, 1, dim, square, n);
  for (i = 0; i < n; i++) {
    double r = sqrt((double)square[i] * up + more);
    b->measured[from + i] = r < 1e38 ? hfy_sim_up_(r) : (float)HUGE_VAL;
  }
}

/* Scores of a block of keys, nq x n; bounds that are kept (nq is 1 then) start from them. */
HFY_PRIVATE_ void hfy_net_block_(const hfy_net_run_ *run, size_t nq, size_t from, size_t n, hfy_real *scores,
                                 hfy_net_scratch_ *s) {
  hfy_net_bounds_ *b = &s->fast.bounds;
  int measures = run->fast.keeps && !(b->longest > 0);
  size_t few = measures ? 8 : n, i, now;
  for (i = 0; i < n; i += now) { /* rows to be measured too: a few at a time, while they are in the nearest cache */
    now = hfy_base_min_(few, n - i);
    hfy_net_scores_(run, s->q, nq, s->inverse_q, from + i, now, scores + i, run->block);
    if (measures) hfy_net_measure_(run, from + i, now, b);
  }
  if (run->fast.keeps) memcpy(b->upper + from, scores, n * sizeof *scores);
}

/* b->upper now holds bounds (or scores) of all rows for q: bounds for where q moves to may start from them. */
HFY_PRIVATE_ void hfy_net_anchor_(const hfy_net_run_ *run, const hfy_real *q, hfy_net_bounds_ *b) {
  size_t i, dim = run->net.dim;
  if (!b->anchor) return;
  if (!(b->longest > 0)) {
    double most = 0;
    for (i = 0; i < run->net.count; i++) most = (double)b->far[i] > most ? (double)b->far[i] : most;
    b->longest = (hfy_net_length_(b->centre, dim) + most) * (1 + 1e-12);
  }
  memcpy(b->anchor, q, dim * sizeof *q);
  b->norm = hfy_net_length_(q, dim);
  b->kept = 1;
}

/* Moves the upper bounds along with the query, from the anchor a to q: with the centre m,
       x.q = x.a + m.(q - a) + rest,   |rest| <= |x - m| |q - a|,
   and the slack of two canonical dots. 0: there are none, or numbers are out of range; then none are kept. */
HFY_PRIVATE_ int hfy_net_follow_(const hfy_net_run_ *run, const hfy_real *q, hfy_net_bounds_ *b) {
  size_t d, i, dim = run->net.dim;
  const double beta = run->net.beta, unit = b->unit, longest = b->longest, pad = 4 * HFY_REAL_EPS_;
  double squares = 0, along = 0, size = 0, reach, shift, norm;
  if (!b->kept) return 0;
  b->kept = 0;
  for (d = 0; d < dim; d++) {
    double move = (double)q[d] - (double)b->anchor[d], part = move * (double)b->centre[d];
    squares += move * move;
    along += part;
    size += fabs(part);
  }
  norm = hfy_net_length_(q, dim);
  reach = beta * (unit * (hfy_sim_norm_(squares, dim) + HFY_NET_LOST_)) * (1 + 1e-12);
  along += ((double)dim + 8) * DBL_EPSILON * size;
  if (!(longest * (norm + b->norm) * (beta + 1) <= HFY_REAL_MAX_ / 4 && longest < 1 / HFY_NET_LOST_ &&
        norm < 1 / HFY_NET_LOST_ && b->norm < 1 / HFY_NET_LOST_ && unit > HFY_NET_LOST_ &&
        reach > DBL_MIN / DBL_EPSILON))
    return 0;
  shift = beta * (unit * along + (hfy_sim_slack_(dim) + 2 * HFY_REAL_EPS_) * (1 + 1e-9) * longest * (norm + b->norm) +
                  8 * ((double)dim + 64) * HFY_REAL_MIN_) +
          4 * HFY_REAL_MIN_;
  for (i = 0; i < run->net.count; i++) {
    double u = (double)b->upper[i], far = ((double)b->far[i] + (b->more ? (double)b->more[i] : 0)) * reach;
    u += far + shift + (pad * (fabs(u) + far + fabs(shift)) + HFY_REAL_MIN_);
    b->upper[i] = (hfy_real)(u < HFY_REAL_MAX_ ? u : HUGE_VAL);
  }
  hfy_net_anchor_(run, q, b);
  return 1;
}

/* What bounds that move measure from: the index's centre, or the mean of a few rows, spread evenly (any would do). */
HFY_PRIVATE_ void hfy_net_centre_(const hfy_net_run_ *run, hfy_net_bounds_ *b) {
  const hfy_net *net = &run->net;
  const hfy_index_seek_ *seek = &run->fast.seek;
  size_t m = hfy_base_min_(net->count, HFY_NET_SAMPLES_), t, d;
  const hfy_real part = (hfy_real)1 / (hfy_real)m;
  b->kept = 0;
  b->far = b->measured;
  b->more = NULL;
  b->unit = 1;
  b->longest = 0;
  memset(b->centre, 0, net->dim * sizeof *b->centre);
  for (t = 0; t < m && !seek->index; t++) {
    const hfy_real *x = net->keys + net->count / m * t * net->key_stride;
    for (d = 0; d < net->dim; d++) b->centre[d] += part * x[d];
  }
  if (!seek->index) return;
  for (d = 0; d < net->dim; d++) b->centre[d] = (hfy_real)seek->view.mean[d];
  b->far = seek->view.spread;
  b->more = seek->view.error;
  b->unit = ldexp(1, seek->index->exponent);
  b->longest = seek->index->largest * b->unit;
}

/* --- an index --- */

HFY_PRIVATE_ int hfy_net_indexed_(const hfy_net_run_ *run) { return run->fast.seek.index != NULL; }

/* Of dots and lists: recognises the keys of an index, and says whether a query alone takes bounds along. It may if it
   is scored again, by nothing but its own dots, and they cost more than looking after bounds. */
HFY_COLD_ hfy_status hfy_net_choose_bounds_(hfy_net_run_ *run, hfy_work *work) {
  const hfy_net *net = &run->net;
  const size_t row = hfy_base_times_(net->dim, sizeof(hfy_real));
  const int moves = net->max_steps > 1 && !net->bias && !net->visible && row >= HFY_NET_KEPT_ROW_;
  hfy_index_seek_ *seek = &run->fast.seek;
  if (net->index) {
    hfy_status status =
        hfy_index_begin_(net->index, run->simd, net->keys, net->count, net->dim, net->key_stride, seek, work);
    if (status) return status;
    seek->beta = net->beta;
    seek->width = run->fast.margin;
    seek->kth = run->fast.kth;
    seek->workers = run->fast.workers;
    run->fast.workers = 1; /* each search shares out its own work */
    if (moves && !hfy_index_shares_(seek, run->tile)) run->tile = 1;
  }
  run->fast.keeps = moves && run->tile == 1 &&
                    (net->index || (net->count * row >= HFY_NET_KEPT_KEYS_ &&
                                    net->count <= HFY_NET_KEPT_BYTES_ / (sizeof(hfy_real) + sizeof(float))));
  return HFY_OK;
}

HFY_COLD_ void hfy_net_plan_bounds_(hfy_base_arena_ *arena, const hfy_net_run_ *run, hfy_net_scratch_ *s) {
  const hfy_index_seek_ *seek = &run->fast.seek;
  const size_t n = run->net.count, keeps = run->fast.keeps ? run->net.dim : 0;
  hfy_net_bounds_ *b = &s->fast.bounds;
  b->upper = HFY_TAKE_(arena, hfy_real, keeps || seek->index ? n : 0);
  b->anchor = HFY_TAKE_(arena, hfy_real, keeps);
  b->centre = HFY_TAKE_(arena, hfy_real, keeps);
  b->measured = HFY_TAKE_(arena, float, keeps && !seek->index ? n : 0);
  if (seek->index) hfy_index_plan_(arena, seek, run->tile, &s->fast.index);
}

/* Lists the rows that the index cannot rule out: the prefixes say it of most, whole rows of the others. */
HFY_PRIVATE_ void hfy_net_index_rows_(const hfy_net_run_ *run, size_t live, size_t j, hfy_net_scratch_ *s) {
  const hfy_index_seek_ *seek = &run->fast.seek;
  hfy_net_bounds_ *b = &s->fast.bounds;
  hfy_index_scratch_ *t = &s->fast.index;
  const hfy_net_walk_ *w = s->walk + j;
  const hfy_real *bias = run->net.bias ? run->net.bias + w->who * run->net.bias_stride : NULL;
  hfy_index_level_ level;
  size_t i, n = hfy_net_seen_(&run->net, w->who), moved = b->listed;
  if (hfy_index_shares_(seek, live) && t->one[j].count != SIZE_MAX) {
    b->listed = hfy_index_listed_(seek, j, s->sep.index, b->upper, t);
    b->top = t->one[j].top;
    if (b->listed > HFY_NET_FIRST_) hfy_net_first_(run, w, s->sep.index, b->listed, s);
    return;
  }
  if (!hfy_index_aim_(seek, w->q, t)) { /* out of range: all rows */
    for (i = 0; i < n; i++) b->upper[i] = (hfy_real)HUGE_VAL;
    for (i = 0; i < n; i++) s->sep.index[i] = i;
    b->listed = n;
    b->kept = 0;
    return;
  }
  if (b->listed == SIZE_MAX && seek->index->prefix) {
    hfy_index_level_prefix_(seek, t, &level);
    hfy_index_bounds_(seek, &level, bias, NULL, n, b->upper, t);
    b->listed = hfy_net_reach_(run, w, n, n / 4, s);
  }
  if (b->listed == SIZE_MAX) {
    hfy_index_level_rows_(seek, t, &level);
    hfy_index_bounds_(seek, &level, bias, NULL, n, b->upper, t);
    b->listed = hfy_net_reach_(run, w, n, n, s);
  } else if (b->listed > 4 * HFY_NET_FIRST_) {
    hfy_index_level_rows_(seek, t, &level);
    hfy_index_bounds_(seek, &level, bias, s->sep.index, b->listed, b->upper, t);
    hfy_net_first_(run, w, s->sep.index, b->listed, s);
  }
  if (moved == SIZE_MAX) hfy_net_anchor_(run, w->q, b);
}

/* The pass over it that live queries share. */
HFY_PRIVATE_ void hfy_net_index_scan_(const hfy_net_run_ *run, size_t live, hfy_net_scratch_ *s) {
  hfy_index_one_ *one = s->fast.index.one;
  size_t j;
  if (!hfy_index_shares_(&run->fast.seek, live)) return;
  for (j = 0; j < live; j++) {
    const size_t who = s->walk[j].who;
    one[j].q = s->walk[j].q;
    one[j].bias = run->net.bias ? run->net.bias + who * run->net.bias_stride : NULL;
    one[j].visible = hfy_net_seen_(&run->net, who);
  }
  hfy_index_scan_(&run->fast.seek, live, &s->fast.index);
}
#else
#define hfy_net_indexed_(run) 0
#define hfy_net_choose_bounds_(run, work) ((void)(work), HFY_OK)
#define hfy_net_centre_(run, b) ((void)0)
#define hfy_net_plan_bounds_(arena, run, s) ((void)0)
#define hfy_net_block_(run, nq, from, n, scores, s)                                                                    \
  hfy_net_scores_(run, (s)->q, nq, (s)->inverse_q, from, n, scores, (run)->block)
#endif

/* --- one pass over the keys: rounds of segments, one a worker --- */

typedef struct hfy_net_pass_ {
  const hfy_net_run_ *run;
  hfy_net_scratch_ *s;        /* its first nq queries */
  const hfy_net_rows_ *rows;  /* sums: what is projected onto */
  hfy_real *z;                /* and what becomes of it: nq x width */
  size_t nq, from, limit;
} hfy_net_pass_;

#ifdef HFY_SIM_BLAS_
/* The projection of a fold that is one block, by a BLAS; 0 where it cannot, or met what is not finite: a row that a
   mask hides may hold anything, and 0 times that is NaN. */
HFY_PRIVATE_ int hfy_net_blas_(const hfy_net_run_ *run, const hfy_real *weight, size_t nq, size_t from, size_t n,
                               const hfy_net_rows_ *rows, hfy_real *part) {
  hfy_sim_rows_ a = {weight, run->block, nq, NULL}, b = {rows->at + from * rows->stride, rows->stride, n, NULL};
  size_t i, size = nq * rows->width;
  if (nq < HFY_SIM_BLAS_ || run->block < run->fold) return 0;
  if (!hfy_sim_blas_(&a, &b, rows->width, 0, part, rows->width)) return 0;
  for (i = 0; i < size && hfy_base_is_finite_((double)part[i]);) i++;
  if (i < size) hfy_net_zero_(part, size);
  return i == size;
}
#endif

/* Sums: one worker's fold of a segment, rows from .. to-1. */
HFY_PRIVATE_ void hfy_net_fold_(const hfy_net_pass_ *pass, size_t from, size_t to, hfy_net_stream_ *t) {
  const hfy_net_run_ *run = pass->run;
  const hfy_net_rows_ *rows = pass->rows;
  const size_t width = rows->width, nq = pass->nq;
  size_t j, n;
  for (j = 0; j < nq; j++) hfy_net_clear_sum_(t->fold + j, t->sum[j].top); /* already negligible */
  hfy_net_zero_(t->part, nq * width);
  for (; from < to; from += n) {
    int some = 0;
    n = hfy_base_min_(run->block, to - from);
    hfy_net_block_(run, nq, from, n, t->scores, pass->s);
    for (j = 0; j < nq; j++) {
      hfy_real *theta = t->scores + j * run->block;
      hfy_net_mask_(&run->net, pass->s->walk[j].who, from, n, theta);
      some |= hfy_net_weigh_(run, t->fold + j, theta, from, n, t->part + j * width, width);
    }
#ifdef HFY_SIM_BLAS_
    if (some && hfy_net_blas_(run, t->scores, nq, from, n, rows, t->part)) continue;
#endif
    if (some)
      run->simd->combine(t->scores, run->block, nq, rows->at + from * rows->stride, rows->stride, n, width, t->part,
                         width);
  }
  for (j = 0; j < nq; j++)
    hfy_net_merge_(run, t->sum + j, t->z + j * width, t->fold + j, t->part + j * width, width);
}

/* One worker's segment: from + i segments. */
HFY_PRIVATE_ void hfy_net_segment_(void *context, size_t i) {
  const hfy_net_pass_ *pass = (const hfy_net_pass_ *)context;
  const hfy_net_run_ *run = pass->run;
  const int sums = run->fast.mode == HFY_NET_SUMS_;
  hfy_net_tile_ *tile = &pass->s->fast;
  hfy_net_stream_ *t = tile->stream + i;
  size_t from = pass->from + i * run->segment, to = hfy_base_min_(from + run->segment, pass->limit), n, j;
  if (sums) hfy_net_zero_(t->z, pass->nq * pass->rows->width);
  for (j = 0; j < pass->nq; j++) {
    if (sums)
      hfy_net_clear_sum_(t->sum + j, -HUGE_VAL);
    else if (t->list != tile->list)
      hfy_net_clear_list_(t->list + j, tile->list[j].top);
  }
  for (; sums && from < to; from += run->fold) hfy_net_fold_(pass, from, hfy_base_min_(from + run->fold, to), t);
  for (; from < to; from += n) {
    n = hfy_base_min_(run->block, to - from);
    hfy_net_block_(run, pass->nq, from, n, t->scores, pass->s);
    for (j = 0; j < pass->nq; j++) {
      hfy_net_mask_(&run->net, pass->s->walk[j].who, from, n, t->scores + j * run->block);
      hfy_net_collect_(run, t->list + j, t->scores + j * run->block, from, n, t);
    }
  }
}

/* Streams the keys past nq queries. lists: leaves candidates in s->fast.list; sums: s->sums, and z = V^T p. */
HFY_PRIVATE_ void hfy_net_stream_keys_(const hfy_net_run_ *run, size_t nq, const hfy_net_rows_ *rows, hfy_real *z,
                                       hfy_net_scratch_ *s) {
  hfy_net_pass_ pass = {run, s, rows, z, nq, 0, 0};
  const int sums = run->fast.mode == HFY_NET_SUMS_;
  const size_t width = sums ? rows->width : 0, streams = run->fast.workers;
  size_t i, j;
  if (sums) hfy_net_zero_(z, nq * width);
  for (j = 0; j < nq; j++) {
    const size_t seen = hfy_net_seen_(&run->net, s->walk[j].who);
    if (seen > pass.limit) pass.limit = seen;
    if (sums)
      hfy_net_clear_sum_(s->sums + j, -HUGE_VAL);
    else
      hfy_net_clear_list_(s->fast.list + j, -HUGE_VAL);
  }
  for (; pass.from < pass.limit; pass.from += streams * run->segment) {
    size_t segments = hfy_base_min_((pass.limit - pass.from - 1) / run->segment + 1, streams);
    hfy_base_parallel_(segments, hfy_net_segment_, &pass);
    for (i = 0; i < segments; i++)
      for (j = 0; j < nq; j++) {
        hfy_net_stream_ *t = s->fast.stream + i;
        if (sums) {
          hfy_net_merge_(run, s->sums + j, z + j * width, t->sum + j, t->z + j * width, width);
          continue;
        }
        if (t->list != s->fast.list) hfy_net_join_(run, s->fast.list + j, t->list + j, t->scratch);
        hfy_net_compact_(run, s->fast.list + j, t->scratch);
      }
  }
  for (j = 0; sums && j < nq; j++) {
    hfy_net_sum_ *sum = s->sums + j;
    if (!sum->status && hfy_base_is_neg_inf_(sum->top)) sum->status = HFY_ERR_ARG;
    if (!sum->status && run->net.sep.kind != HFY_SEP_EXP && sum->sum > 0) /* EXP keeps its factor e^top */
      run->simd->scale_once(z + j * width, width, 1 / sum->sum);
  }
}

/* What the pass left of query j, into s->sep, which has room for all keys: made again if the list lost what matters. */
HFY_PRIVATE_ hfy_status hfy_net_take_list_(const hfy_net_run_ *run, size_t j, hfy_net_scratch_ *s) {
  const hfy_net_list_ *list = s->fast.list + j;
  hfy_net_list_ all = {s->sep.index, s->sep.weight, 0, SIZE_MAX, list->top, 0, list->status};
  hfy_net_stream_ *t = s->fast.stream;
  const hfy_net_walk_ *w = s->walk + j;
  size_t from, n, limit = hfy_net_seen_(&run->net, w->who);
  if (list->status) return list->status;
  if (list->lost <= -HUGE_VAL || !hfy_sim_matters_(list->top, run->fast.margin, list->lost)) {
    memcpy(all.index, list->index, list->count * sizeof *list->index);
    memcpy(all.theta, list->theta, list->count * sizeof *list->theta);
    s->sep.count = list->count;
    return HFY_OK;
  }
  for (from = 0; from < limit; from += n) {
    n = hfy_base_min_(run->block, limit - from);
    hfy_net_scores_(run, w->q, 1, s->inverse_q ? s->inverse_q + j : NULL, from, n, t->scores, run->block);
    hfy_net_mask_(&run->net, w->who, from, n, t->scores);
    hfy_net_collect_(run, &all, t->scores, from, n, t);
  }
  s->sep.count = all.count;
  return all.status;
}

/* --- the candidates, whatever their source --- */

#ifdef HFY_HAS_INDEX_
/* Reads what live queries share: a pass over index or keys, unless bounds that a query took along leave few rows. */
HFY_PRIVATE_ void hfy_net_look_(const hfy_net_run_ *run, size_t live, hfy_net_scratch_ *s) {
  hfy_net_bounds_ *b = &s->fast.bounds;
  const size_t n = run->net.count, few = hfy_net_indexed_(run) ? n / 16 : n / 8;
  b->listed = SIZE_MAX;
  b->top = -HUGE_VAL;
  if (!s->walk->step) b->kept = 0; /* they would hold, but a new query seldom starts near */
  if (run->fast.keeps && hfy_net_follow_(run, s->q, b)) b->listed = hfy_net_reach_(run, s->walk, n, few, s);
  if (hfy_net_indexed_(run)) {
    hfy_net_index_scan_(run, live, s);
  } else if (b->listed == SIZE_MAX) {
    hfy_net_stream_keys_(run, live, NULL, NULL, s);
    if (run->fast.keeps && !s->fast.list->status) hfy_net_anchor_(run, s->q, b);
  }
}

/* The candidates of the query in place j into s->sep: index ascending, scores as weight, those of the full scan. */
HFY_PRIVATE_ hfy_status hfy_net_candidates_(const hfy_net_run_ *run, size_t live, size_t j, hfy_net_scratch_ *s) {
  hfy_net_bounds_ *b = &s->fast.bounds;
  if (j) {
    b->listed = SIZE_MAX;
    b->top = -HUGE_VAL;
  }
  if (hfy_net_indexed_(run))
    hfy_net_index_rows_(run, live, j, s);
  else if (b->listed == SIZE_MAX)
    return hfy_net_take_list_(run, j, s);
  return hfy_net_finish_(run, s->walk + j, s);
}
#else
#define hfy_net_look_(run, live, s) hfy_net_stream_keys_(run, live, NULL, NULL, s)
#define hfy_net_candidates_(run, live, j, s) ((void)(live), hfy_net_take_list_(run, j, s))
#endif

/* What shards ask: the live queries' lists, or (sums) their sums and z. */
HFY_COLD_ void hfy_net_partial_(const hfy_net_run_ *run, size_t live, hfy_real *z, hfy_net_scratch_ *s) {
  hfy_net_norms_(run, s->q, live, s->inverse_q);
  if (run->fast.mode == HFY_NET_LISTS_)
    hfy_net_look_(run, live, s);
  else
    hfy_net_stream_keys_(run, live, run->readout.at ? &run->readout : &run->values, z, s);
}

/* --- states of one row   (math 12) --- */

/* Where the query's state went: to the state of one row (p has weight 1), or elsewhere (p NULL: the step failed). */
HFY_PRIVATE_ void hfy_net_learn_(const hfy_net_run_ *run, hfy_net_walk_ *w, const hfy_net_weights_ *p,
                                 hfy_net_scratch_ *s) {
  size_t from = w->single, to = SIZE_MAX, d;
  if (!run->fast.remembers) return;
  if (p && p->index && p->count == 1 && p->weight[0] >= 1 && p->weight[0] <= 1) to = p->index[0];
  for (d = 0; to != SIZE_MAX && run->net.post.kind == HFY_POST_SIGN && d < run->net.dim; d++)
    if (!(w->z[d] > 0 || w->z[d] < 0)) to = SIZE_MAX; /* a sign of the state before stays */
  if (from != SIZE_MAX) {
    hfy_net_memo_ memo = {from, to};
    s->fast.memo[from % s->fast.memos] = memo;
  }
  w->single = to;
}

/* --- one tile of queries --- */

/* The second half of a step for the query in place j, as net.plain makes it. moves: the new state is wanted; read: what
   the readout makes of p is there. So is z, unless p is a list. */
HFY_PRIVATE_ void hfy_net_settle_(const hfy_net_run_ *run, size_t j, const hfy_net_weights_ *p, int moves, int read,
                                  hfy_net_scratch_ *s) {
  hfy_net_walk_ *w = s->walk + j;
  hfy_real *gathered = run->readout.at ? s->out + j * run->readout.width : NULL;
  hfy_real *before = s->fast.before ? s->fast.before + j * run->net.dim : NULL;
  int stops;
  if (moves && p->index) hfy_net_project_(run, p, &run->values, s, w->z);
  if (before) memcpy(before, w->q, run->net.dim * sizeof *w->q);
  stops = hfy_net_step_(run, w, p->log_scale, moves, s);
  if (moves) hfy_net_learn_(run, w, w->status ? NULL : p, s);
  if (w->status || !stops) return;
  if (gathered && !read && p->weight) {
    hfy_net_project_(run, p, &run->readout, s, gathered);
  } else if (gathered && !read) { /* it stands still before its time: once more from the state this step began with */
    hfy_net_scratch_ again = *s;
    hfy_net_sum_ sum;
    again.walk = w;
    again.q = before;
    again.inverse_q = s->inverse_q ? s->inverse_q + j : NULL;
    again.sums = &sum;
    hfy_net_stream_keys_(run, 1, &run->readout, gathered, &again);
  }
  hfy_net_answer_(run, w, p, gathered);
}

HFY_COLD_ void hfy_net_swap_places_(const hfy_net_run_ *run, size_t i, size_t j, hfy_net_scratch_ *s) {
  const size_t row = run->net.dim * sizeof *s->q;
  hfy_base_swap_(s->walk + i, s->walk + j, sizeof *s->walk);
  hfy_net_place_(run, i, s);
  hfy_net_place_(run, j, s);
  hfy_base_swap_(s->walk[i].q, s->walk[j].q, row);
  if (s->mark) hfy_base_swap_(s->walk[i].mark, s->walk[j].mark, row);
}

/* Forgets the queries that have ended or failed and moves the others up; returns how many are left. */
HFY_PRIVATE_ size_t hfy_net_leave_(const hfy_net_run_ *run, size_t live, hfy_net_scratch_ *s) {
  size_t j, kept = 0;
  int stays = run->report && run->report->energy; /* a query that has ended stays for the energy of its last state */
  for (j = 0; j < live; j++) {
    const hfy_net_walk_ *w = s->walk + j;
    if (w->status && w->who < s->failed) {
      s->failed = w->who;
      s->failure = w->status;
    }
    if (!w->status && (!w->ended || (stays && w->ended == 1))) {
      if (kept < j) hfy_net_swap_places_(run, kept, j, s);
      kept++;
    } else if (run->report && run->report->status) {
      run->report->status[w->who] = w->status;
    }
  }
  return kept;
}

/* One step of the live queries by lists. */
HFY_PRIVATE_ void hfy_net_by_lists_(const hfy_net_run_ *run, size_t live, int moves, hfy_net_scratch_ *s) {
  size_t j;
  hfy_net_look_(run, live, s);
  for (j = 0; j < live; j++) {
    hfy_net_walk_ *w = s->walk + j;
    hfy_net_weights_ p;
    w->status = hfy_net_candidates_(run, live, j, s);
    if (!w->status) w->status = hfy_sep_candidates_(&run->net.sep, &s->sep);
    if (w->status) {
      hfy_net_learn_(run, w, NULL, s);
      continue;
    }
    p = hfy_net_listed_weights_(&s->sep);
    hfy_net_settle_(run, j, &p, moves, 0, s);
  }
}

/* One step by sums. read: all make their last step, into the readout. */
HFY_PRIVATE_ void hfy_net_by_sums_(const hfy_net_run_ *run, size_t live, int moves, int read, hfy_net_scratch_ *s) {
  size_t j;
  if (read) hfy_net_stream_keys_(run, live, &run->readout, s->out, s);
  if (moves) hfy_net_stream_keys_(run, live, &run->values, s->z, s);
  for (j = 0; j < live; j++) {
    const hfy_net_sum_ *sum = s->sums + j;
    hfy_net_weights_ p = {NULL, NULL, 0, sum->best, run->net.sep.kind == HFY_SEP_EXP ? sum->top : 0};
    s->walk[j].status = sum->status;
    if (!sum->status) hfy_net_settle_(run, j, &p, moves, read, s);
  }
}

/* One step with whole rows of scores. */
HFY_PRIVATE_ void hfy_net_by_rows_(const hfy_net_run_ *run, size_t live, int moves, int read, hfy_net_scratch_ *s) {
  const int lists = hfy_sep_is_list_(&run->net.sep);
  size_t j, n = run->net.count;
  hfy_net_weights_ p;
  hfy_net_scores_(run, s->q, live, s->inverse_q, 0, n, s->scores, n);
  for (j = 0; j < live; j++) {
    hfy_net_walk_ *w = s->walk + j;
    hfy_real *theta = s->scores + j * n;
    hfy_net_mask_(&run->net, w->who, 0, n, theta);
    hfy_net_note_energy_(run, w, theta, s);
    if (!w->ended) w->status = hfy_net_separate_(run, w->who, theta, s, &p);
    if (w->ended || w->status)
      memset(theta, 0, n * sizeof *theta); /* takes no part below */
    else if (lists)
      hfy_net_settle_(run, j, &p, moves, 0, s);
    else
      w->log_scale = p.log_scale;
  }
  if (lists) return;
  if (moves) hfy_net_project_all_(run, s->scores, live, &run->values, s, s->z);
  if (read) hfy_net_project_all_(run, s->scores, live, &run->readout, s, s->out);
  for (j = 0; j < live; j++) {
    const hfy_net_weights_ all = {NULL, s->scores + j * n, n, 0, s->walk[j].log_scale};
    if (!s->walk[j].ended && !s->walk[j].status) hfy_net_settle_(run, j, &all, moves, read, s);
  }
}

/* A sparse p spares later scans: from the state of one row every query goes the same way, so no two need scan for it.
   Makes the steps that are known; then moves the queries that can learn from an earlier one's scan to the end.
   Returns how many are to scan. */
HFY_PRIVATE_ size_t hfy_net_reuse_(const hfy_net_run_ *run, size_t live, hfy_net_scratch_ *s) {
  const hfy_real one = 1;
  const size_t memos = s->fast.memos;
  hfy_net_weights_ p = {NULL, &one, 1, 0, 0};
  size_t i, j, scan = 0;
  for (j = 0; j < live; j++) {
    hfy_net_walk_ *w = s->walk + j;
    while (!w->status && !w->ended && w->single != SIZE_MAX) {
      const hfy_net_memo_ memo = s->fast.memo[w->single % memos];
      if (memo.from != w->single || memo.to == SIZE_MAX) break;
      p.index = &memo.to;
      hfy_net_settle_(run, j, &p, 1, 0, s);
    }
  }
  for (j = 0; j < live; j++) {
    const hfy_net_walk_ *w = s->walk + j;
    int waits = w->status || w->ended;
    if (!waits && w->single != SIZE_MAX && s->fast.memo[w->single % memos].from != w->single)
      for (i = 0; i < scan && !waits; i++) waits = s->walk[i].single == w->single;
    if (waits) continue;
    if (scan < j) hfy_net_swap_places_(run, scan, j, s);
    scan++;
  }
  return scan;
}

/* Runs queries first .. last-1 to their end; the next takes a place that falls free. s->failed: the first to fail. */
HFY_PRIVATE_ void hfy_net_walk_tile_(const hfy_net_run_ *run, size_t first, size_t last, hfy_net_scratch_ *s) {
  const hfy_net_mode_ mode = run->fast.mode;
  size_t live = 0, j, scan;
  int together = run->readout.at && run->net.max_steps > 1; /* all make their last step, into the readout, at once */
  s->failed = SIZE_MAX;
  for (j = 0; j < s->fast.memos; j++) s->fast.memo[j].from = SIZE_MAX;
  if (run->fast.keeps) hfy_net_centre_(run, &s->fast.bounds);
  while (live || first < last) {
    int last_step, moves, read;
    while (live < run->tile && first < last && !(together && live && s->walk->step))
      hfy_net_admit_(run, run->queries, first++, live++, s);
    live = hfy_net_leave_(run, live, s);
    if (!live) continue;
    last_step = run->readout.at && s->walk->step + 1 >= run->net.max_steps;
    moves = !last_step || run->moves;
    read = last_step && (mode == HFY_NET_SUMS_ || !hfy_sep_is_list_(&run->net.sep));
    scan = run->fast.remembers ? hfy_net_reuse_(run, live, s) : live;
    hfy_net_norms_(run, s->q, scan, s->inverse_q);
    if (mode == HFY_NET_ROWS_)
      hfy_net_by_rows_(run, scan, moves, read, s);
    else if (mode == HFY_NET_SUMS_)
      hfy_net_by_sums_(run, scan, moves, read, s);
    else if (scan)
      hfy_net_by_lists_(run, scan, moves, s);
    live = hfy_net_leave_(run, live, s);
  }
}

/* --- the planner --- */

/* How a call goes: by lists, sums or (rows: the call wants weights, energies or the like) whole rows. */
HFY_COLD_ void hfy_net_mode_of_(hfy_net_run_ *run, int rows) {
  hfy_net_fast_ *fast = &run->fast;
  const hfy_net *net = &run->net;
  const hfy_sep *sep = &net->sep;
  const hfy_report *r = run->report;
  hfy_sep_method_ method = hfy_sep_method_of_(sep);
  fast->kth = hfy_sep_by_rank_(sep) ? (size_t)ceil(sep->k) : 1;
  fast->margin = hfy_sep_link_margin_(sep);
  fast->negligible = log(2 * (double)net->count / HFY_REAL_EPS_);
  fast->exponential = method == HFY_SEP_BY_SOFTMAX_ || method == HFY_SEP_BY_EXP_;
  fast->mode = HFY_NET_ROWS_;
  if (rows || sep->plus) return;
  if (hfy_sep_is_list_(sep)) {
    if (fast->margin < DBL_MAX) fast->mode = HFY_NET_LISTS_;
  } else if (method != HFY_SEP_BY_UNIFORM_ && !(r && (r->support || r->top_index || r->top_weight))) {
    fast->mode = HFY_NET_SUMS_;
  }
  fast->remembers = fast->mode == HFY_NET_LISTS_ && net->max_steps > 1 && net->step >= 1 && !net->readout &&
                    !net->bias && !net->visible && !net->self_coupling;
}

/* Mode and sizes; how many walks share the queries, through *walks. */
HFY_COLD_ hfy_status hfy_net_choose_(hfy_net_run_ *run, size_t n_queries, int rows, size_t *walks, hfy_work *work) {
  hfy_net_fast_ *fast = &run->fast;
  const hfy_net *net = &run->net;
  size_t most = hfy_base_workers_(), segments = (net->count - 1) / run->segment + 1, fit;
  int dots;
  hfy_net_mode_of_(run, rows);
  run->tile = HFY_NET_TILE_;
#ifdef HFY_SIM_BLAS_
  if (n_queries >= HFY_SIM_BLAS_ && fast->mode == HFY_NET_SUMS_) { /* a BLAS wants large blocks */
    run->tile = HFY_NET_BLAS_TILE_;
    run->block = run->fold = hfy_base_min_(HFY_NET_BLAS_BLOCK_, (net->count | 7) + 1);
    run->segment = run->fold * (run->segment / run->fold ? run->segment / run->fold : 1);
  }
#endif
  if (fast->mode == HFY_NET_ROWS_) run->tile = hfy_net_few_rows_(net);
  /* queries that fill a tile for everyone are shared out, or a few if keys are few; else all share the keys */
  dots = net->sim == HFY_SIM_DOT && fast->mode == HFY_NET_LISTS_;
  *walks = fast->workers = 1;
  if (fast->mode == HFY_NET_ROWS_ || n_queries / HFY_NET_TILE_ >= most ||
      (n_queries >= 4 * most && ((net->index && dots) || segments < 2 * most)))
    *walks = hfy_base_min_(most, n_queries ? n_queries : 1);
  else
    fast->workers = most;
  /* a few sums cost little room: more of them than workers, so that they meet less often */
  if (fast->mode == HFY_NET_SUMS_ && fast->workers > 1 && hfy_base_times_(n_queries, net->dim) <= HFY_NET_FEW_)
    fast->workers *= 4;
  fast->workers = hfy_base_min_(fast->workers, segments);
#ifdef HFY_SIM_BLAS_
  if (n_queries >= HFY_SIM_BLAS_) { /* no tile that is too small for it */
    *walks = hfy_base_min_(*walks, n_queries / HFY_SIM_BLAS_);
    if (run->tile < HFY_SIM_BLAS_) run->tile = HFY_SIM_BLAS_;
  }
#endif
  run->tile = hfy_base_min_(run->tile, n_queries ? (n_queries - 1) / *walks + 1 : 1);
  run->whole = fast->mode == HFY_NET_ROWS_ ? run->tile : 0;
  fit = HFY_NET_LISTED_ / run->tile;
  fast->capacity = hfy_base_min_(fit < HFY_NET_LIST_ ? (size_t)HFY_NET_LIST_ : fit, net->count);
  return dots ? hfy_net_choose_bounds_(run, work) : HFY_OK;
}

/* What a tile works in. */
HFY_COLD_ void hfy_net_plan_tile_(hfy_base_arena_ *arena, const hfy_net_run_ *run, int energies, hfy_net_scratch_ *s) {
  const hfy_net_fast_ *fast = &run->fast;
  hfy_net_tile_ *tile = &s->fast;
  size_t t = run->tile, dim = run->net.dim, out = run->readout.width, i;
  size_t wide = hfy_base_times_(t, dim > out ? dim : out), streams = fast->workers;
  size_t lists = fast->mode == HFY_NET_LISTS_, sums = fast->mode == HFY_NET_SUMS_;
  if (hfy_net_indexed_(run)) streams = lists = 0; /* no pass over the keys */
  if (fast->mode == HFY_NET_ROWS_) streams = 0;
  hfy_net_plan_(arena, run, energies, s);
  tile->list = lists ? hfy_net_plan_lists_(arena, run) : NULL;
  tile->stream = HFY_TAKE_(arena, hfy_net_stream_, streams);
  for (i = 0; i < streams; i++) {
    hfy_net_stream_ counted, *stream = tile->stream ? tile->stream + i : &counted;
    stream->scores = HFY_TAKE_(arena, hfy_real, hfy_base_times_(t, run->block));
    stream->at = HFY_TAKE_(arena, size_t, lists * run->block);
    stream->scratch = HFY_TAKE_(arena, double, lists * (run->block > fast->capacity ? run->block : fast->capacity));
    stream->list = lists && streams > 1 ? hfy_net_plan_lists_(arena, run) : tile->list;
    stream->sum = HFY_TAKE_(arena, hfy_net_sum_, sums * t);
    stream->fold = HFY_TAKE_(arena, hfy_net_sum_, sums * t);
    stream->z = HFY_TAKE_(arena, hfy_real, sums * wide);
    stream->part = HFY_TAKE_(arena, hfy_real, sums * wide);
  }
  tile->before = HFY_TAKE_(arena, hfy_real, sums && out && run->net.max_steps > 1 ? hfy_base_times_(t, dim) : 0);
  tile->memos = fast->remembers ? hfy_base_min_(run->net.count, HFY_NET_MEMO_) : 0;
  tile->memo = HFY_TAKE_(arena, hfy_net_memo_, tile->memos);
  hfy_net_plan_bounds_(arena, run, s);
}
#else
#define hfy_net_plan_tile_ hfy_net_plan_
#define hfy_net_choose_(run, n_queries, rows, walks, work) (*(walks) = 1, HFY_OK)

HFY_PRIVATE_ void hfy_net_walk_tile_(const hfy_net_run_ *run, size_t first, size_t last, hfy_net_scratch_ *s) {
  s->failed = last;
  for (; first < last; first++)
    if (hfy_net_walk_plainly_(run, first, s) && s->failed == last) {
      s->failed = first;
      s->failure = s->walk->status;
    }
}

/* What shards ask of net.fast, by whole rows of one query. */
HFY_PRIVATE_ void hfy_net_partial_(const hfy_net_run_ *run, size_t live, hfy_real *z, hfy_net_scratch_ *s) {
  const hfy_sep *sep = &run->net.sep;
  hfy_net_sum_ *sum = s->sums;
  size_t n = run->net.count;
  (void)live;
  hfy_net_theta_(run, s->walk->who, s->q, s, s->scores);
  if (hfy_sep_is_list_(sep)) return;
  memset(sum, 0, sizeof *sum);
  sum->status = hfy_sep_top_(run->simd, s->scores, n, NULL, &sum->top);
  if (sum->status) return;
  while ((double)s->scores[sum->best] < sum->top) sum->best++;
  if (sep->kind == HFY_SEP_IDENTITY || sep->kind == HFY_SEP_POWER)
    sum->status = hfy_sep_elementwise_(sep, s->scores, n, s->scores);
  else
    sum->sum = run->simd->softmax(s->scores, n, (hfy_real)sum->top, s->scores);
  if (sum->status) return;
  if (sep->kind != HFY_SEP_EXP && sum->sum > 0) run->simd->scale(s->scores, n, 1 / sum->sum);
  hfy_net_project_all_(run, s->scores, 1, run->readout.at ? &run->readout : &run->values, s, z);
}

HFY_PRIVATE_ hfy_status hfy_net_candidates_(const hfy_net_run_ *run, size_t live, size_t j, hfy_net_scratch_ *s) {
  size_t i, m = 0;
  double top;
  hfy_status status = hfy_sep_top_(run->simd, s->scores, run->net.count, NULL, &top);
  (void)live;
  (void)j;
  for (i = 0; !status && i < run->net.count; i++) {
    s->sep.index[m] = i;
    s->sep.weight[m] = (double)s->scores[i];
    m += !hfy_base_is_neg_inf_(s->sep.weight[m]);
  }
  s->sep.count = m;
  return status;
}
#endif /* HFY_PLAIN */

/* ------------------------------------------------------------------------------------------------------------------
   >>net.energy   the call; energies, their gradients, reverse mode; in either build
   ------------------------------------------------------------------------------------------------------------------ */

/* A call's walks, each over its share of the queries. */
typedef struct hfy_net_call_ {
  const hfy_net_run_ *run;
  hfy_net_scratch_ *scratch; /* one a walk */
  size_t n_queries, walks;
} hfy_net_call_;

HFY_PRIVATE_ void hfy_net_share_(void *context, size_t i) {
  const hfy_net_call_ *call = (const hfy_net_call_ *)context;
  hfy_net_walk_tile_(call->run, hfy_base_share_(call->n_queries, i, call->walks),
                     hfy_base_share_(call->n_queries, i + 1, call->walks), call->scratch + i);
}

HFY_COLD_ hfy_status hfy_net_retrieve_(const hfy_net *net, const hfy_real *queries, size_t n_queries, hfy_real *out,
                                       const hfy_report *report, hfy_work *w) {
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_net_run_ run;
  hfy_net_call_ call = {&run, NULL, n_queries, 0};
  const int energies = report && report->energy;
  size_t i;
  hfy_status status = hfy_net_begin_(net, n_queries, &run, w);
  if (status) return status;
  hfy_net_call_of_(&run, queries, out, report);
  status = hfy_net_choose_(&run, n_queries, energies || (report && report->weights), &call.walks, w);
  if (!status) status = hfy_net_check_call_(&run.net, queries, n_queries, out, report, w);
  while (hfy_base_layout_(&arena, w, &status)) {
    run.inverse_norms = hfy_net_plan_norms_(&arena, &run.net);
    call.scratch = HFY_TAKE_(&arena, hfy_net_scratch_, call.walks);
    for (i = 0; i < call.walks; i++) {
      hfy_net_scratch_ counted;
      hfy_net_plan_tile_(&arena, &run, energies, call.scratch ? call.scratch + i : &counted);
    }
  }
  for (i = 0; !status && energies && i < call.walks; i++) /* each walk's scratch gets what its energies need */
    status = hfy_net_has_energy_(&run.net, &call.scratch[i].post, w);
  if (status) return status;
  hfy_net_prepare_(&run);
  hfy_base_parallel_(call.walks, hfy_net_share_, &call);
  for (i = 0; i < call.walks; i++) /* the shares are in order: the first failure wins */
    if (call.scratch[i].failure) return hfy_net_failed_(w, call.scratch[i].failure, call.scratch[i].failed);
  return HFY_OK;
}

HFY_API hfy_status hfy_retrieve(const hfy_net *net, const hfy_real *queries, size_t n_queries, hfy_real *out,
                                const hfy_report *report, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  return hfy_base_close_(w, &local, hfy_net_retrieve_(net, queries, n_queries, out, report, w));
}

/* dE/dq into dq, which may be q, from the scores, which become the weights; grad Psi stands in s->post.row. */
HFY_COLD_ hfy_status hfy_net_energy_gradient_(const hfy_net_run_ *run, hfy_real *theta, const hfy_real *q,
                                              size_t who, hfy_real *dq, hfy_net_scratch_ *s) {
  const hfy_net *net = &run->net;
  double *slope = s->post.row, half, log_scale;
  size_t d;
  hfy_status status = hfy_sep_fill_(&net->sep, theta, net->count, who, theta, &log_scale, &s->sep);
  if (status) return status;
  hfy_net_project_all_(run, theta, 1, &run->values, s, s->z);
  half = exp(0.5 * log_scale);
  for (d = 0; d < net->dim; d++) {
    if (net->self_coupling) slope[d] += (double)net->self_coupling[d] * (double)q[d];
    slope[d] -= hfy_post_unscale_((double)s->z[d], half);
    if (!(fabs(slope[d]) <= HFY_REAL_MAX_)) return HFY_ERR_NONFINITE;
  }
  for (d = 0; d < net->dim; d++) dq[d] = (hfy_real)slope[d];
  return HFY_OK;
}

/* Checks a net and lays out what its energies need; tile queries side by side, or fewer if whole rows are long. */
HFY_COLD_ hfy_status hfy_net_begin_energies_(const hfy_net *net, size_t n_queries, const char *missing,
                                             hfy_net_run_ *run, hfy_net_scratch_ *s, hfy_work *w) {
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_status status = hfy_net_begin_(net, n_queries, run, w);
  if (!status && n_queries) status = hfy_base_null_(w, missing);
  if (status) return status;
  run->whole = run->tile = hfy_base_min_(hfy_net_few_rows_(&run->net), n_queries ? n_queries : 1);
  while (hfy_base_layout_(&arena, w, &status)) hfy_net_plan_(&arena, run, 1, s);
  return status;
}

/* The energies or, if dq is not NULL, their gradients. missing: an array that is NULL. */
HFY_COLD_ hfy_status hfy_net_energies_(const hfy_net *net, const hfy_real *q, size_t n_queries, double *energy,
                                       hfy_real *dq, const char *missing, hfy_work *w) {
  hfy_net_run_ run;
  hfy_net_scratch_ s;
  hfy_status one, failure = HFY_OK, status = hfy_net_begin_energies_(net, n_queries, missing, &run, &s, w);
  const size_t n = run.net.count, dim = run.net.dim;
  size_t who;
  if (!status) status = hfy_net_has_energy_(&run.net, &s.post, w);
  for (who = 0; !status && who < n_queries; who++) {
    const hfy_real *state = q + who * dim;
    hfy_real *theta = s.scores + who % run.tile * n;
    if (theta == s.scores) /* a tile of queries shares a read of the keys */
      hfy_net_scores_(&run, state, hfy_base_min_(run.tile, n_queries - who), NULL, 0, n, theta, n);
    hfy_net_mask_(&run.net, who, 0, n, theta);
    hfy_net_admit_(&run, q, who, 0, &s);
    one = s.walk->status;
    if (!one && !dq) one = hfy_net_energy_(&run, theta, state, who, energy + who, &s);
    if (!one && dq) {
      one = hfy_post_row_gradient_(&run.net.post, state, dim, &s.post);
      if (one && !failure)
        failure = hfy_base_fail_(
            w, one, "query %z lies outside the domain of Psi, or at an edge where Psi has no slope", who);
      if (!one) one = hfy_net_energy_gradient_(&run, theta, state, who, dq + who * dim, &s);
    }
    if (one && !failure) failure = hfy_net_failed_(w, one, who);
  }
  return status ? status : failure;
}

HFY_API HFY_SMALL_ hfy_status hfy_energy(const hfy_net *net, const hfy_real *q, size_t n_queries, double *energy,
                                         hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  const char *missing = !q ? "q" : !energy ? "energy" : NULL;
  return hfy_base_close_(w, &local, hfy_net_energies_(net, q, n_queries, energy, NULL, missing, w));
}

HFY_API HFY_SMALL_ hfy_status hfy_energy_gradient(const hfy_net *net, const hfy_real *q, size_t n_queries, hfy_real *dq,
                                                  hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  const char *missing = !q ? "q" : !dq ? "dq" : NULL;
  return hfy_base_close_(w, &local, hfy_net_energies_(net, q, n_queries, NULL, dq, missing, w));
}

/* -Omega(u)/beta, and what the form adds to it. */
HFY_COLD_ hfy_status hfy_net_constant_(const hfy_net_run_ *run, hfy_energy_form form, double *constant,
                                       hfy_net_scratch_ *s) {
  const hfy_net *net = &run->net;
  size_t i, d, n = net->count;
  double value = 0, extra = 0;
  hfy_status status;
  if (form == HFY_ENERGY_RAW) return HFY_OK;
  memset(s->scores, 0, n * sizeof *s->scores);
  status = hfy_sep_conjugate_(&net->sep, s->scores, n, 0, &value, &s->sep); /* Omega*(0) = -Omega(u) */
  if (!status) status = hfy_sep_fill_(&net->sep, s->scores, n, 0, s->scores, NULL, &s->sep);
  if (status) return status;
  value /= net->beta;
  if (form == HFY_ENERGY_PAPER) {
    for (i = 0; i < n; i++) {
      double square = 0;
      const hfy_real *x = net->keys + i * net->key_stride;
      for (d = 0; d < net->dim; d++) square += (double)x[d] * (double)x[d];
      if (0.5 * square > extra) extra = 0.5 * square;
    }
  } else {
    hfy_net_project_all_(run, s->scores, 1, &run->values, s, s->z);
    status = hfy_post_row_conjugate_(&net->post, s->z, net->dim, &extra, &s->post);
  }
  *constant = value + extra;
  return status;
}

HFY_API HFY_SMALL_ hfy_status hfy_energy_constant(const hfy_net *net, hfy_energy_form form, double *constant,
                                                  hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_net_run_ run;
  hfy_net_scratch_ s;
  double value = 0;
  hfy_status status = hfy_net_begin_energies_(net, 1, constant ? NULL : "constant", &run, &s, w);
  if (!status && (unsigned)form > HFY_ENERGY_FY)
    status = hfy_base_should_(w, "", "form", (double)form, "one of hfy_energy_form");
  if (!status) status = hfy_net_has_energy_(&run.net, &s.post, w);
  if (!status) {
    status = hfy_net_constant_(&run, form, &value, &s);
    if (status) hfy_base_fail_(w, status, "net->keys: the constant is not finite");
  }
  if (!status) *constant = value;
  return hfy_base_close_(w, &local, status);
}

/* --- reverse mode --- */

/* What the backward pass of one query works in, besides the forward's scratch. */
typedef struct hfy_net_back_ {
  hfy_real *path;    /* (max_steps+1) x D: the states */
  hfy_real *theta;   /* N: the scores of a step */
  hfy_real *y, *dy;  /* N: weights and their cotangent, which becomes that of the scores */
  double *dq;        /* D: cotangent of the state */
  double *sum;       /* 2D: of the post's parameters */
  hfy_sep_grad sep;  /* what is asked for of the separation */
} hfy_net_back_;

HFY_COLD_ void hfy_net_plan_back_(hfy_base_arena_ *arena, const hfy_net_run_ *run, hfy_net_back_ *b) {
  size_t n = run->net.count, dim = run->net.dim;
  b->path = HFY_TAKE_(arena, hfy_real, hfy_base_times_(hfy_base_plus_(run->net.max_steps, 1), dim));
  b->theta = HFY_TAKE_(arena, hfy_real, n);
  b->y = HFY_TAKE_(arena, hfy_real, n);
  b->dy = HFY_TAKE_(arena, hfy_real, n);
  b->dq = HFY_TAKE_(arena, double, dim);
  b->sum = HFY_TAKE_(arena, double, hfy_base_times_(2, dim));
}

/* d sim(x_i, q): adds g times its gradients to dq and, unless NULL, to dx. score: sim(x_i, q) itself. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_net_sim_vjp_(const hfy_net_run_ *run, size_t i, const hfy_real *q, double g,
                                                      double score, double inverse_q, double *dq, hfy_real *dx) {
  const hfy_real *x = run->net.keys + i * run->net.key_stride;
  const hfy_sim sim = run->net.sim;
  double inverse_x = run->inverse_norms ? run->inverse_norms[i] : 0;
  size_t d, dim = run->net.dim;
  for (d = 0; d < dim; d++) {
    double a = (double)x[d], b = (double)q[d], to_q = a, to_x = b;
    if (sim == HFY_SIM_COSINE) {
      to_q = (a * inverse_x - score * b * inverse_q) * inverse_q;
      to_x = (b * inverse_q - score * a * inverse_x) * inverse_x;
    } else if (sim == HFY_SIM_EUCLIDEAN) {
      to_q = a - b;
      to_x = b - a;
    } else if (sim == HFY_SIM_MANHATTAN) {
      to_q = a > b ? 1 : a < b ? -1 : 0;
      to_x = -to_q;
    }
    dq[d] += g * to_q;
    if (dx) dx[d] = (hfy_real)((double)dx[d] + g * to_x);
  }
}

/* Through p = separation(beta sim(K, q) + bias): b->dy holds the cotangent of p, b->y is p, b->theta are the scores
   with their bias. Adds the state's part to b->dq and the parameters' to grad. */
HFY_COLD_ void hfy_net_association_vjp_(const hfy_net_run_ *run, size_t who, const hfy_real *q, const hfy_grad *grad,
                                        hfy_net_scratch_ *s, hfy_net_back_ *b) {
  const hfy_net *net = &run->net;
  size_t i, n = net->count, seen = hfy_net_seen_(net, who);
  double d_beta = 0, inverse_q = 0;
  hfy_sep_row_ row = {b->theta, b->y, b->dy, b->dy, n, who};
  hfy_sep_chain_vjp_(&run->net.sep, &row, &b->sep, &s->sep); /* a solver still holds this step's mixture */
  if (net->sim == HFY_SIM_COSINE) inverse_q = s->inverse_q[0];
  for (i = 0; i < seen; i++) {
    double g = (double)b->dy[i], bias = net->bias ? (double)net->bias[who * net->bias_stride + i] : 0, score;
    if (!(g > 0) && !(g < 0)) continue;
    score = ((double)b->theta[i] - bias) / net->beta;
    d_beta += g * score;
    if (grad->bias) grad->bias[who * net->bias_stride + i] += (hfy_real)g;
    hfy_net_sim_vjp_(run, i, q, g * net->beta, score, inverse_q, b->dq,
                     grad->keys ? grad->keys + i * net->key_stride : NULL);
  }
  if (grad->beta) *grad->beta += d_beta;
}

/* dy_i = <row_i, v> where weight can reach, and adds y_i v to the rows' gradient. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_net_projection_vjp_(const hfy_net_run_ *run, const hfy_net_rows_ *rows,
                                                             const hfy_real *v, hfy_real *d_rows, hfy_net_back_ *b) {
  size_t i, d, n = run->net.count, width = rows->width;
  run->simd->dot(rows->at, rows->stride, n, v, width, 1, width, b->dy, n);
  for (i = 0; i < n; i++) {
    hfy_real p = b->y[i];
    if (!(p > 0) && !(p < 0)) continue;
    for (d = 0; d_rows && d < width; d++) d_rows[i * rows->stride + d] += p * v[d];
  }
}

/* Backward through the `steps` updates of one query whose states are in b->path. */
HFY_COLD_ hfy_status hfy_net_backward_(const hfy_net_run_ *run, size_t who, size_t steps, const hfy_real *dout,
                                       const hfy_grad *grad, hfy_net_scratch_ *s, hfy_net_back_ *b) {
  const hfy_net *net = &run->net;
  size_t dim = net->dim, n = net->count, t, d;
  hfy_real *df = s->f, *dz = s->part; /* free by then */
  hfy_real *d_values = grad->values ? grad->values : run->net.values == run->net.keys ? grad->keys : NULL;
  hfy_status status;
  for (t = 0; run->net.sep.kind == HFY_SEP_EXP && t < steps; t++) { /* so that a query that fails has added nothing */
    hfy_net_theta_(run, who, b->path + t * dim, s, b->theta);
    status = hfy_sep_fill_(&run->net.sep, b->theta, n, who, b->y, NULL, &s->sep);
    if (status) return status;
  }
  for (d = 0; d < dim; d++) b->dq[d] = net->readout ? 0 : (double)dout[who * dim + d];
  for (t = steps; t--;) {
    const hfy_real *q = b->path + t * dim;
    hfy_net_theta_(run, who, q, s, b->theta);
    status = hfy_sep_fill_(&run->net.sep, b->theta, n, who, b->y, NULL, &s->sep);
    if (status) return status; /* never: the forward pass has been here */
    if (net->readout && t + 1 == steps) {
      hfy_net_projection_vjp_(run, &run->readout, dout + who * net->readout_dim, grad->readout, b);
    } else {
      double log_scale = 0;
      hfy_net_project_all_(run, b->y, 1, &run->values, s, s->z);
      hfy_net_uncouple_(net, q, s->z, &log_scale);
      for (d = 0; d < dim; d++) {
        df[d] = (hfy_real)(net->step * b->dq[d]);
        b->dq[d] *= 1 - net->step;
      }
      hfy_post_vjp_parameters_(&run->net.post, s->z, df, 1, dim, &grad->post, b->sum, &s->post);
      hfy_post_row_vjp_(&run->net.post, s->z, df, dim, dz, &s->post);
      for (d = 0; net->self_coupling && d < dim; d++) {
        b->dq[d] -= (double)net->self_coupling[d] * (double)dz[d];
        if (grad->self_coupling) grad->self_coupling[d] -= dz[d] * q[d];
      }
      hfy_net_projection_vjp_(run, &run->values, dz, d_values, b);
    }
    hfy_net_association_vjp_(run, who, q, grad, s, b);
  }
  for (d = 0; grad->queries && d < dim; d++)
    grad->queries[who * dim + d] = (hfy_real)((double)grad->queries[who * dim + d] + b->dq[d]);
  return HFY_OK;
}

/* What of grad the net does not have. */
HFY_COLD_ hfy_status hfy_net_check_grad_(const hfy_net *net, const hfy_net *full, const hfy_grad *grad,
                                         hfy_sep_grad *sep, hfy_work *w) {
  const hfy_sep_grad asked = {NULL,        grad->alpha,      grad->gamma,      grad->upper,
                              grad->lower, grad->transition, grad->transitions};
  const char *none;
  if (grad->values && !net->values)
    return hfy_base_fail_(w, HFY_ERR_ARG,
                          "grad->values is set, but net->values is NULL: grad->keys receives their part");
  if (grad->post.z)
    return hfy_base_fail_(w, HFY_ERR_ARG, "grad->post.z is set; it should be NULL: grad->queries is the state's");
  *sep = asked;
  none = hfy_sep_no_gradient_(&full->sep, sep);
  if (none)
    return hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "grad->%s is set, but net->sep has no such gradient", none);
  none = hfy_post_no_gradient_(&full->post, &grad->post);
  if (none)
    return hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "grad->post.%s is set, but net->post has no such gradient", none);
  return HFY_OK;
}

HFY_COLD_ hfy_status hfy_net_vjp_(const hfy_net *net, const hfy_real *queries, size_t n_queries,
                                  const hfy_real *dout, const hfy_grad *grad, hfy_work *w) {
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_net_run_ run;
  hfy_net_scratch_ s;
  hfy_net_back_ back;
  hfy_status status = hfy_net_begin_(net, n_queries, &run, w), failure = HFY_OK;
  size_t who, walks;
  memset(&back, 0, sizeof back);
  if (!status) status = hfy_net_choose_(&run, 1, 0, &walks, w);
  if (!status && n_queries) status = hfy_base_null_(w, !queries ? "queries" : !dout ? "dout" : NULL);
  if (!status) status = hfy_base_null_(w, grad ? NULL : "grad");
  if (!status) status = hfy_net_check_grad_(net, &run.net, grad, &back.sep, w);
  while (hfy_base_layout_(&arena, w, &status)) {
    run.inverse_norms = hfy_net_plan_norms_(&arena, &run.net);
    hfy_net_plan_tile_(&arena, &run, 0, &s);
    hfy_net_plan_back_(&arena, &run, &back);
  }
  if (status) return status;
  run.queries = queries;
  run.path = back.path;
  hfy_net_prepare_(&run);
  for (who = 0; who < n_queries; who++) {
    memcpy(back.path, queries + who * run.net.dim, run.net.dim * sizeof *queries);
    s.failure = HFY_OK;
    hfy_net_walk_tile_(&run, who, who + 1, &s);
    status = s.failure;
    if (!status) status = hfy_net_backward_(&run, who, s.walk->step, dout, grad, &s, &back);
    if (status && !failure) failure = hfy_net_failed_(w, status, who);
  }
  return failure;
}

HFY_API hfy_status hfy_retrieve_vjp(const hfy_net *net, const hfy_real *queries, size_t n_queries, const hfy_real *dout,
                                    const hfy_grad *grad, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  return hfy_base_close_(w, &local, hfy_net_vjp_(net, queries, n_queries, dout, grad, w));
}

#undef HFY_SIM_BLAS_
#undef HFY_SIM_GEMM_
#undef HFY_NET_LOST_

#endif /* HFY_HAS_NET_ */

#ifdef HFY_HAS_FILE_
/* ------------------------------------------------------------------------------------------------------------------
   >>file.impl   .npy in and out
   Shapes: any, up to HFY_FILE_RANK axes; out is row-major.   May call: base.
   A header is a preamble ("\x93NUMPY", two bytes of version, the length of the rest in 2 or 4 little-endian bytes) and
   a Python dict in ASCII: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, with spaces and a newline after.
   Every read is held against the end, every product against overflow. Headers beyond 64 KiB are refused unread: only
   records have so much to say, and records are refused anyway.
   Numerics: elements of hfy_real's own type keep their bits; all others are rounded once.
   ------------------------------------------------------------------------------------------------------------------ */

/* --- reading a header --- */

HFY_COLD_ int hfy_file_is_big_endian_(void) {
  const uint16_t probe = 1;
  return !*(const unsigned char *)&probe;
}

/* A header that is read. */
typedef struct hfy_file_cursor_ {
  const unsigned char *at, *end;
  const char *from; /* what messages call the source of the bytes */
  hfy_work *work;
} hfy_file_cursor_;

HFY_COLD_ hfy_status hfy_file_bad_(const hfy_file_cursor_ *c, const char *words) {
  return hfy_base_fail_(c->work, HFY_ERR_FORMAT, "%s: %s", words, c->from);
}

/* The preamble, from its first byte to the dict; *end: where the header ends. */
HFY_COLD_ hfy_status hfy_file_preamble_(hfy_file_cursor_ *c, size_t *end) {
  const unsigned char *bytes = c->at;
  size_t size = (size_t)(c->end - c->at);
  if (size < 6 || memcmp(bytes, "\x93NUMPY", 6))
    return hfy_file_bad_(c, "not a .npy file (its first bytes are not \\x93NUMPY)");
  if (size < 10 || (bytes[6] > 1 && size < 12))
    return hfy_base_fail_(c->work, HFY_ERR_FORMAT, "ends after %z bytes, inside its header: %s", size, c->from);
  if (bytes[6] < 1 || bytes[6] > 3 || bytes[7])
    return hfy_base_fail_(c->work, HFY_ERR_FORMAT, "format version is %z.%z; it should be 1.0, 2.0 or 3.0: %s",
                          (size_t)bytes[6], (size_t)bytes[7], c->from);
  if (bytes[6] > 1 && (bytes[10] || bytes[11])) return hfy_file_bad_(c, "header is longer than 65535 bytes");
  c->at += bytes[6] == 1 ? 10 : 12;
  *end = (size_t)(c->at - bytes) + ((size_t)bytes[8] | (size_t)bytes[9] << 8);
  return HFY_OK;
}

HFY_COLD_ void hfy_file_skip_(hfy_file_cursor_ *c) {
  while (c->at < c->end && (*c->at == ' ' || (*c->at >= '\t' && *c->at <= '\r'))) c->at++;
}

/* Skips white space and, if it comes next, this word: was it there? */
HFY_COLD_ int hfy_file_take_(hfy_file_cursor_ *c, const char *word) {
  size_t length = strlen(word);
  hfy_file_skip_(c);
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length)) return 0;
  c->at += length;
  return 1;
}

/* A string in either kind of quotes, without escapes: its length and where it starts; NULL if there is none. */
HFY_COLD_ const char *hfy_file_string_(hfy_file_cursor_ *c, size_t *length) {
  const unsigned char *start;
  unsigned char quote;
  hfy_file_skip_(c);
  if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return NULL;
  quote = *c->at++;
  for (start = c->at; c->at < c->end; c->at++) {
    if (*c->at == quote) {
      *length = (size_t)(c->at++ - start);
      return (const char *)start;
    }
    if (*c->at < 32 || *c->at > 126 || *c->at == '\\') return NULL;
  }
  return NULL;
}

/* A whole number as Python writes it: no sign, no leading zeros; L in old files. 0: none, or too large for size_t. */
HFY_COLD_ int hfy_file_whole_(hfy_file_cursor_ *c, size_t *value) {
  const unsigned char *start;
  hfy_file_skip_(c);
  *value = 0;
  for (start = c->at; c->at < c->end; c->at++) {
    size_t digit = (size_t)*c->at - '0'; /* what comes before '0' wraps around */
    if (digit > 9) break;
    if (*value > (SIZE_MAX - digit) / 10) return 0;
    *value = *value * 10 + digit;
  }
  if (c->at == start || (*start == '0' && c->at - start > 1)) return 0;
  if (c->at < c->end && *c->at == 'L') c->at++;
  return 1;
}

/* The value of 'descr': type, item_size, swapped. */
HFY_COLD_ hfy_status hfy_file_descr_(hfy_file_cursor_ *c, hfy_npy *info) {
  static const char known[] = "f4f8u1i1i4i8";
  size_t length = 0, i;
  char shown[16];
  const char *text = hfy_file_string_(c, &length);
  if (!text) return hfy_file_bad_(c, "descr is not a plain string, such as '<f4' (records are not read)");
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
  return hfy_base_fail_(c->work, HFY_ERR_FORMAT,
                        "descr is '%s'; it should be <, > or = and one of f4 f8 u1 i1 i4 i8: %s", shown, c->from);
}

/* The value of 'shape', a tuple of whole numbers; (3) is none. */
HFY_COLD_ hfy_status hfy_file_shape_(hfy_file_cursor_ *c, hfy_npy *info) {
  size_t axis = 0, commas = 0, value;
  int closed = 0;
  if (hfy_file_take_(c, "("))
    while (!(closed = hfy_file_take_(c, ")")) && axis == commas && hfy_file_whole_(c, &value)) {
      if (axis == HFY_FILE_RANK)
        return hfy_base_fail_(c->work, HFY_ERR_FORMAT, "shape has more than %z axes: %s",
                              (size_t)HFY_FILE_RANK, c->from);
      info->shape[axis++] = value;
      commas += (size_t)hfy_file_take_(c, ",");
    }
  if (!closed || (axis == 1 && !commas))
    return hfy_file_bad_(c, "shape is not a tuple of whole numbers that size_t holds");
  info->rank = axis;
  for (; axis < HFY_FILE_RANK; axis++) info->shape[axis] = 1;
  return HFY_OK;
}

/* Elements of a shape. 0: such an array of items cannot exist, nor (partial products) if its axes of 0 were 1. */
HFY_COLD_ int hfy_file_count_(const size_t *shape, size_t rank, size_t item_size, size_t *count) {
  size_t axis, product = 1;
  int empty = 0;
  for (axis = 0; axis < rank; axis++) {
    if (shape[axis]) product = hfy_base_times_(product, shape[axis]);
    empty |= !shape[axis];
  }
  *count = empty ? 0 : product;
  return hfy_base_fits_(product, 1, item_size);
}

/* An entry of the dict; k: which of the three keys. */
HFY_COLD_ hfy_status hfy_file_entry_(hfy_file_cursor_ *c, size_t k, hfy_npy *info) {
  if (k == 0) return hfy_file_descr_(c, info);
  if (k == 2) return hfy_file_shape_(c, info);
  info->fortran = (char)hfy_file_take_(c, "True");
  if (info->fortran || hfy_file_take_(c, "False")) return HFY_OK;
  return hfy_file_bad_(c, "fortran_order is neither True nor False");
}

/* The whole header; bytes holds at least it. */
HFY_COLD_ hfy_status hfy_file_parse_(const unsigned char *bytes, size_t size, const char *from, hfy_npy *info,
                                     hfy_work *work) {
  static const char *const keys[] = {"descr", "fortran_order", "shape"};
  hfy_file_cursor_ c = {bytes, bytes + size, from, work};
  hfy_npy found;
  hfy_status status;
  size_t end, length = 0, k;
  int seen[3] = {0, 0, 0}, more = 1;
  memset(&found, 0, sizeof found);
  status = hfy_file_preamble_(&c, &end);
  if (status) return status;
  if (size < end)
    return hfy_base_fail_(work, HFY_ERR_FORMAT, "ends after %z bytes, inside its header of %z: %s", size, end, from);
  c.end = bytes + end;
  if (!hfy_file_take_(&c, "{")) goto malformed;
  while (!hfy_file_take_(&c, "}")) {
    const char *key = more ? hfy_file_string_(&c, &length) : NULL;
    if (!key || !hfy_file_take_(&c, ":")) goto malformed;
    for (k = 0; k < 3; k++)
      if (length == strlen(keys[k]) && !memcmp(key, keys[k], length)) break;
    if (k == 3) return hfy_file_bad_(&c, "header has a key other than descr, fortran_order, shape");
    if (seen[k]++) return hfy_base_fail_(work, HFY_ERR_FORMAT, "header has %s twice: %s", keys[k], from);
    status = hfy_file_entry_(&c, k, &found);
    if (status) return status;
    more = hfy_file_take_(&c, ",");
  }
  hfy_file_skip_(&c);
  if (c.at < c.end) goto malformed;
  for (k = 0; k < 3; k++)
    if (!seen[k]) return hfy_base_fail_(work, HFY_ERR_FORMAT, "header has no %s: %s", keys[k], from);
  k = found.item_size > sizeof(hfy_real) ? found.item_size : sizeof(hfy_real); /* neither file nor answer overflows */
  if (!hfy_file_count_(found.shape, found.rank, k, &found.count))
    return hfy_file_bad_(&c, "shape: an array of that size cannot exist");
  found.data_offset = end;
  *info = found;
  return HFY_OK;
malformed:
  return hfy_base_fail_(work, HFY_ERR_FORMAT, "header is malformed at byte %z: %s", (size_t)(c.at - bytes), from);
}

/* double to hfy_real; what is beyond its range becomes infinite (in C alone that conversion is undefined). */
HFY_COLD_ hfy_real hfy_file_narrow_(double x) {
#ifndef HFY_DOUBLE
  if (hfy_base_is_finite_(x) && fabs(x) > HFY_REAL_MAX_) {
    double half_ulp = ldexp(1.0, FLT_MAX_EXP - FLT_MANT_DIG - 1);
    double nearest = fabs(x) < HFY_REAL_MAX_ + half_ulp ? HFY_REAL_MAX_ : HUGE_VAL;
    return (hfy_real)(x < 0 ? -nearest : nearest);
  }
#endif
  return (hfy_real)x;
}

HFY_COLD_ hfy_real hfy_file_element_(const hfy_npy *info, const unsigned char *bytes) {
  const int big = hfy_file_is_big_endian_() != info->swapped; /* in the file */
  size_t i, n = info->item_size;
  uint64_t bits = 0, sign = UINT64_C(1) << (8 * n - 1);
  uint32_t word;
  float f4;
  double f8;
  for (i = 0; i < n; i++) bits = bits << 8 | bytes[big ? i : n - 1 - i];
  if (info->type == 'f' && n == 4) {
    word = (uint32_t)bits;
    memcpy(&f4, &word, sizeof f4);
    return (hfy_real)f4;
  }
  if (info->type == 'f') {
    memcpy(&f8, &bits, sizeof f8);
    return hfy_file_narrow_(f8);
  }
  return info->type == 'i' && bits & sign ? -(hfy_real)(2 * sign - bits) : (hfy_real)bits;
}

/* Are the file's bytes out's bytes? */
HFY_COLD_ int hfy_file_is_verbatim_(const hfy_npy *info) {
  return info->type == 'f' && info->item_size == sizeof(hfy_real) && !info->swapped &&
         (!info->fortran || info->rank < 2);
}

/* Takes elements first .. first+count-1 of the file to their places in out. */
HFY_COLD_ void hfy_file_fill_(const hfy_npy *info, const unsigned char *bytes, size_t first, size_t count,
                              hfy_real *out) {
  size_t i, axis, at, rest;
  for (i = 0; i < count; i++) {
    at = rest = first + i;
    for (axis = 0; info->fortran && axis < info->rank; axis++) { /* its index on this axis, the fastest first */
      at = (axis ? at * info->shape[axis] : 0) + rest % info->shape[axis];
      rest /= info->shape[axis];
    }
    out[at] = hfy_file_element_(info, bytes + i * info->item_size);
  }
}

/* Is there room for what the header promises? */
HFY_COLD_ hfy_status hfy_file_room_(const hfy_npy *info, const hfy_real *out, size_t capacity, hfy_work *work) {
  if (capacity < info->count)
    return hfy_base_fail_(work, HFY_ERR_ARG, "capacity is %z; the array has %z elements", capacity, info->count);
  return hfy_base_null_(work, !out && info->count ? "out" : NULL);
}

/* --- in memory (without scratch, so there is nothing to close) --- */

HFY_API HFY_SMALL_ hfy_status hfy_file_npy_parse(const void *bytes, size_t size, hfy_npy *info, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_status status = hfy_base_null_(w, !bytes ? "bytes" : !info ? "info" : NULL);
  return status ? status : hfy_file_parse_((const unsigned char *)bytes, size, "bytes", info, w);
}

HFY_API HFY_SMALL_ hfy_status hfy_file_npy_decode(const void *bytes, size_t size, hfy_real *out, size_t capacity,
                                                  hfy_npy *info, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  const unsigned char *data = (const unsigned char *)bytes;
  hfy_npy found;
  hfy_status status = hfy_base_null_(w, !bytes ? "bytes" : NULL);
  if (!status) status = hfy_file_parse_(data, size, "bytes", &found, w);
  if (status) return status;
  if (size - found.data_offset < found.count * found.item_size)
    return hfy_base_fail_(w, HFY_ERR_FORMAT, "%z bytes of elements; the shape needs %z: bytes",
                          size - found.data_offset, found.count * found.item_size);
  status = hfy_file_room_(&found, out, capacity, w);
  if (status) return status;
  data += found.data_offset;
  if (found.count && hfy_file_is_verbatim_(&found))
    memcpy(out, data, found.count * sizeof *out);
  else
    hfy_file_fill_(&found, data, 0, found.count, out);
  if (info) *info = found;
  return HFY_OK;
}

/* The header for hfy_file_npy_header; 256 bytes are more than the lengths of an array that can exist ever need. */
HFY_COLD_ hfy_status hfy_file_header_(const size_t *shape, size_t rank, unsigned char *text, size_t *size,
                                      hfy_work *work) {
  char *dict = (char *)text + 10;
  const size_t room = 256 - 10;
  size_t axis, at, total, count;
  if (rank > HFY_FILE_RANK)
    return hfy_base_fail_(work, HFY_ERR_ARG, "rank is %z; it should be at most %z", rank, (size_t)HFY_FILE_RANK);
  if (!shape && rank) return hfy_base_null_(work, "shape");
  if (!hfy_file_count_(shape, rank, sizeof(hfy_real), &count))
    return hfy_base_fail_(work, HFY_ERR_ARG, "shape: an array of that size cannot exist");
  at = hfy_base_put_(dict, room, 0, hfy_file_is_big_endian_() ? "{'descr': '>f" : "{'descr': '<f");
  at = hfy_base_put_whole_(dict, room, at, sizeof(hfy_real));
  at = hfy_base_put_(dict, room, at, "', 'fortran_order': False, 'shape': (");
  for (axis = 0; axis < rank; axis++) {
    at = hfy_base_put_(dict, room, at, axis ? " " : "");
    at = hfy_base_put_whole_(dict, room, at, shape[axis]);
    at = hfy_base_put_(dict, room, at, rank == 1 || axis + 1 < rank ? "," : "");
  }
  at = 10 + hfy_base_put_(dict, room, at, "), }");
  total = (at + 1 + 63) & ~(size_t)63;
  memset(text + at, ' ', total - at);
  text[total - 1] = '\n';
  memcpy(text, "\x93NUMPY\x01\0", 8);
  text[8] = (unsigned char)(total - 10);
  text[9] = 0;
  *size = total;
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_file_npy_header(const size_t *shape, size_t rank, void *bytes, size_t capacity,
                                                  size_t *size, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  if (!bytes || !size) return hfy_base_null_(w, !bytes ? "bytes" : "size");
  if (capacity < 256) return hfy_base_fail_(w, HFY_ERR_ARG, "capacity is %z; it should be at least 256", capacity);
  return hfy_file_header_(shape, rank, (unsigned char *)bytes, size, w);
}

#ifndef HFY_NO_STDIO
#include <stdio.h>

#define HFY_FILE_CHUNK_ 65536 /* bytes read at a time; a whole number of elements of every type */

/* Are all of the elements there? Leaves the file at the first. */
HFY_COLD_ hfy_status hfy_file_holds_(FILE *file, const hfy_npy *info, const char *path, unsigned char *chunk,
                                     hfy_work *work) {
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

/* Reads the header of a file. *chunk (or NULL): scratch of HFY_FILE_CHUNK_ bytes. */
HFY_COLD_ hfy_status hfy_file_begin_(FILE *file, const char *path, hfy_npy *info, unsigned char **chunk,
                                     hfy_work *work) {
  hfy_base_arena_ arena = {NULL, 0, 0};
  unsigned char preamble[12] = {0}, *header = NULL;
  hfy_file_cursor_ c = {preamble, preamble, path, work};
  size_t got = fread(preamble, 1, 10, file), end = 0;
  hfy_status status;
  if (got == 10 && preamble[6] > 1) got += fread(preamble + 10, 1, 2, file);
  if (ferror(file)) return hfy_base_fail_(work, HFY_ERR_IO, "reading failed: %s", path);
  c.end += got;
  status = hfy_file_preamble_(&c, &end);
  while (hfy_base_layout_(&arena, work, &status)) {
    header = HFY_TAKE_(&arena, unsigned char, end);
    if (chunk) *chunk = HFY_TAKE_(&arena, unsigned char, HFY_FILE_CHUNK_);
  }
  if (status) return status;
  memcpy(header, preamble, got);
  if (fread(header + got, 1, end - got, file) < end - got) {
    if (ferror(file)) return hfy_base_fail_(work, HFY_ERR_IO, "reading failed: %s", path);
    return hfy_file_bad_(&c, "ends inside its header");
  }
  return hfy_file_parse_(header, end, path, info, work);
}

HFY_COLD_ hfy_status hfy_file_open_(const char *path, const char *mode, FILE **file, hfy_work *work) {
  *file = path ? fopen(path, mode) : NULL;
  if (!path) return hfy_base_null_(work, "path");
  return *file ? HFY_OK : hfy_base_fail_(work, HFY_ERR_IO, "could not open %s", path);
}

HFY_API HFY_SMALL_ hfy_status hfy_file_npy_info(const char *path, hfy_npy *info, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  FILE *file = NULL;
  hfy_status status = hfy_base_null_(w, !path ? "path" : !info ? "info" : NULL);
  if (!status) status = hfy_file_open_(path, "rb", &file, w);
  if (!status) status = hfy_file_begin_(file, path, info, NULL, w);
  if (file) fclose(file);
  return hfy_base_close_(w, &local, status);
}

HFY_COLD_ hfy_status hfy_file_read_(FILE *file, const char *path, hfy_real *out, size_t capacity, hfy_npy *info,
                                    hfy_work *work) {
  unsigned char *chunk = NULL;
  size_t at = 0, got = 0, want = 0;
  hfy_status status = hfy_file_begin_(file, path, info, &chunk, work);
  if (!status) status = hfy_file_room_(info, out, capacity, work);
  if (!status) status = hfy_file_holds_(file, info, path, chunk, work);
  if (status) return status;
  if (info->count && hfy_file_is_verbatim_(info)) {
    at = want = info->count;
    got = fread(out, sizeof *out, want, file);
  }
  for (; at < info->count && got == want; at += got) {
    want = hfy_base_min_(info->count - at, HFY_FILE_CHUNK_ / info->item_size);
    got = fread(chunk, info->item_size, want, file);
    hfy_file_fill_(info, chunk, at, got, out);
  }
  return got < want ? hfy_base_fail_(work, HFY_ERR_IO, "reading failed midway: %s", path) : HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_file_npy_read(const char *path, hfy_real *out, size_t capacity, hfy_npy *info,
                                                hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  FILE *file;
  hfy_npy found;
  hfy_status status = hfy_file_open_(path, "rb", &file, w);
  if (!status) status = hfy_file_read_(file, path, out, capacity, &found, w);
  if (file) fclose(file);
  if (!status && info) *info = found;
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_file_npy_write(const char *path, const hfy_real *data, const size_t *shape,
                                                 size_t rank, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  unsigned char header[256];
  size_t size = 0, count = 0;
  FILE *file;
  int failed;
  hfy_status status = hfy_base_null_(w, !path ? "path" : NULL);
  if (!status) status = hfy_file_header_(shape, rank, header, &size, w);
  if (status) return status;
  hfy_file_count_(shape, rank, sizeof *data, &count);
  if (!data && count) return hfy_base_null_(w, "data");
  status = hfy_file_open_(path, "wb", &file, w);
  if (status) return status;
  failed = fwrite(header, 1, size, file) != size;
  if (!failed && count) failed = fwrite(data, sizeof *data, count, file) != count;
  if (fclose(file)) failed = 1; /* buffered bytes may fail only here */
  return failed ? hfy_base_fail_(w, HFY_ERR_IO, "writing failed: %s", path) : HFY_OK;
}
#undef HFY_FILE_CHUNK_
#endif

#endif /* HFY_HAS_FILE_ */

#ifdef HFY_HAS_SHARD_
/* ------------------------------------------------------------------------------------------------------------------
   >>shard.impl   partials of one step over slices of the patterns
   A block: head, one record a query, entries. With a margin the entries are the candidates of query 0, 1, ..., each
   list ascending by global number; else one row a query. Everything in it is 8 bytes wide but the rows, which are
   padded to that; it is read and written by memcpy, so it may lie anywhere.
   May call: base, sim, sep, post, net.
   Numerics: candidates carry the canonical score, and what is solved at last are exactly those within the margin of
   the global best (k-th best) in ascending order: the bits do not depend on slices, order or tree. A query with more
   candidates than capacity keeps the best and remembers the best that it lost: if that is out of the margin in the
   end, nothing was lost. For a candidate of the whole to be lost, `capacity` others must be at least as good, and
   those are candidates too: so a query fails if and only if the whole has more than capacity. (ARGMAX never has more
   than k: ties go to the lowest numbers, which is an order that merging keeps.)
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_SHARD_MAGIC_ UINT64_C(0x4452414853594648)            /* "HFYSHARD", where the first byte is the lowest */
#define HFY_SHARD_FORMAT_ ((uint64_t)(0x100 + sizeof(hfy_real))) /* version 1 of this precision */

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
  int lists;
  double margin;
  size_t n_queries, capacity;
  size_t entry; /* bytes of one: a row and, in lists, number and score before it */
  size_t pool;  /* where the entries begin */
  size_t full;  /* bytes of the block at most; SIZE_MAX: it cannot exist */
} hfy_shard_block_;

/* --- blocks --- */

HFY_PRIVATE_ hfy_shard_record_ hfy_shard_record_at_(const void *partial, size_t who) {
  hfy_shard_record_ record;
  memcpy(&record, (const unsigned char *)partial + sizeof(hfy_shard_head_) + who * sizeof record, sizeof record);
  return record;
}
HFY_PRIVATE_ void hfy_shard_put_record_(void *partial, size_t who, const hfy_shard_record_ *record) {
  memcpy((unsigned char *)partial + sizeof(hfy_shard_head_) + who * sizeof *record, record, sizeof *record);
}

HFY_COLD_ hfy_shard_record_ hfy_shard_nothing_(uint64_t status) {
  const hfy_shard_record_ record = {status, 0, 0, -HUGE_VAL, 0, -HUGE_VAL, 0};
  return record;
}

/* Entries of a query. */
HFY_PRIVATE_ size_t hfy_shard_entries_(const hfy_shard_block_ *b, const hfy_shard_record_ *record) {
  return b->lists ? (size_t)record->count : 1;
}

/* An entry with a margin: number, score, row. */
HFY_PRIVATE_ uint64_t hfy_shard_number_(const unsigned char *entry) {
  uint64_t number;
  memcpy(&number, entry, sizeof number);
  return number;
}
HFY_PRIVATE_ double hfy_shard_score_(const unsigned char *entry) {
  double score;
  memcpy(&score, entry + 8, sizeof score);
  return score;
}

/* Why a separation has no partials, in a net of n patterns. */
HFY_COLD_ hfy_status hfy_shard_sep_(const hfy_sep *sep, size_t n, hfy_sep *full, hfy_work *work) {
  const char *why = NULL;
  hfy_status status = HFY_OK;
  *full = hfy_sep_resolve_(sep);
  if (hfy_sep_has_bounds_(sep)) why = "net->sep has bounds; such a separation has no partials";
  if (sep->plus) why = "net->sep.plus is set; a sum of energies has no partials";
  if (!why) status = hfy_sep_check_(sep, 1, n, "net->sep.", work);
  if (status) return status;
  if (!why && full->kind == HFY_SEP_UNIFORM) why = "net->sep.kind is HFY_SEP_UNIFORM, which has no partials";
  if (!why && hfy_sep_is_list_(full) && !(hfy_sep_link_margin_(full) < DBL_MAX))
    why = "net->sep has no margin; such a separation has no partials";
  return why ? hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "%s", why) : HFY_OK;
}

/* What follows from head.recipe, head.capacity and the separation. */
HFY_COLD_ void hfy_shard_lay_out_(hfy_shard_block_ *b) {
  size_t row = hfy_base_plus_(hfy_base_times_((size_t)b->head.recipe.width, sizeof(hfy_real)), 7);
  if (row < SIZE_MAX) row &= ~(size_t)7;
  b->lists = hfy_sep_is_list_(&b->sep);
  b->margin = hfy_sep_link_margin_(&b->sep);
  b->n_queries = (size_t)b->head.recipe.n_queries;
  b->capacity = (size_t)b->head.capacity;
  b->entry = b->lists ? hfy_base_plus_(row, 16) : row;
  b->pool = hfy_base_plus_(sizeof b->head, hfy_base_times_(b->n_queries, sizeof(hfy_shard_record_)));
  b->full = hfy_base_plus_(b->pool, hfy_base_times_(hfy_base_times_(b->n_queries, b->capacity), b->entry));
  if (b->full > (size_t)PTRDIFF_MAX) b->full = SIZE_MAX;
}

/* The block of an empty partial for a resolved separation. queries NULL: without their fingerprint. */
HFY_COLD_ void hfy_shard_describe_(const hfy_net *net, const hfy_sep *full, double beta, const hfy_real *queries,
                                   size_t n_queries, size_t capacity, hfy_shard_block_ *b) {
  const int rank = hfy_sep_by_rank_(full);
  hfy_shard_recipe_ *r = &b->head.recipe;
  memset(b, 0, sizeof *b);
  b->sep = *full;
  if (!capacity) capacity = 64 + (rank ? (size_t)ceil(full->k) : 0);
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
HFY_COLD_ uint64_t hfy_shard_cover_(uint64_t first, uint64_t count) {
  hfy_rng a = hfy_rng_seed(first), b = hfy_rng_seed(first + count);
  return hfy_rng_u64(&b) - hfy_rng_u64(&a);
}

/* May a partial be like that? Then what follows from its head is told. */
HFY_COLD_ int hfy_shard_is_head_(hfy_shard_block_ *b) {
  const hfy_shard_recipe_ *r = &b->head.recipe;
  const uint64_t most = (uint64_t)PTRDIFF_MAX;
  hfy_work local, *quiet = hfy_base_open_(NULL, &local);
  hfy_sep asked;
  if (r->n_queries > most || r->dim > most || r->width > most || b->head.capacity > most || !r->dim || !r->width ||
      !b->head.capacity || r->readout > 1 || (!r->readout && r->width != r->dim) || r->sim > HFY_SIM_MANHATTAN ||
      r->kind > HFY_SEP_UNIFORM)
    return 0;
  memset(&asked, 0, sizeof asked);
  asked.kind = (hfy_sep_kind)r->kind;
  asked.k = r->k;
  asked.alpha = r->alpha;
  asked.gamma = r->gamma;
  asked.degree = r->degree;
  asked.rho = r->rho;
  if (hfy_shard_sep_(&asked, SIZE_MAX / 16, &b->sep, quiet)) return 0;
  hfy_shard_lay_out_(b);
  return b->pool <= b->head.bytes && b->full >= b->head.bytes && (b->lists || b->capacity == 1);
}

/* Are its records and entries whole? */
HFY_COLD_ int hfy_shard_is_whole_(const void *partial, const hfy_shard_block_ *b) {
  const unsigned char *entry = (const unsigned char *)partial + b->pool;
  const unsigned char *end = (const unsigned char *)partial + b->head.bytes;
  size_t who, l, count;
  for (who = 0; who < b->n_queries; who++) {
    const hfy_shard_record_ record = hfy_shard_record_at_(partial, who);
    if (record.status > HFY_ERR_FORMAT || hfy_base_is_nan_(record.lost) || hfy_base_is_nan_(record.top) ||
        hfy_base_is_pos_inf_(record.top) || !(record.sum >= 0) || (b->lists && record.count > b->capacity))
      return 0;
    count = hfy_shard_entries_(b, &record);
    if (count > (size_t)(end - entry) / b->entry) return 0;
    for (l = 0; l < count; l++, entry += b->entry)
      if (b->lists && (!hfy_base_is_finite_(hfy_shard_score_(entry)) ||
                       (l && hfy_shard_number_(entry) <= hfy_shard_number_(entry - b->entry))))
        return 0;
  }
  return entry == end;
}

/* Reads and checks a head; `entries` as well: records and entries. name: what messages call the block. */
HFY_COLD_ hfy_status hfy_shard_read_(const void *partial, size_t bytes, int entries, const char *name,
                                     hfy_shard_block_ *b, hfy_work *w) {
  memset(b, 0, sizeof *b);
  if (!partial) return hfy_base_null_(w, name);
  if (bytes < sizeof b->head)
    return hfy_base_fail_(w, HFY_ERR_FORMAT, "%s has %z bytes; a partial has at least %z", name, bytes, sizeof b->head);
  memcpy(&b->head, partial, sizeof b->head);
  if (b->head.magic != HFY_SHARD_MAGIC_)
    return hfy_base_fail_(w, HFY_ERR_FORMAT, "%s is no partial of this kind of machine", name);
  if (b->head.format != HFY_SHARD_FORMAT_)
    return hfy_base_fail_(w, HFY_ERR_FORMAT, "%s is a partial of another version or precision", name);
  if (b->head.bytes > bytes)
    return hfy_base_fail_(w, HFY_ERR_FORMAT, "%s has %z bytes; this partial has %z", name, bytes,
                          (size_t)b->head.bytes);
  if (hfy_shard_is_head_(b) && (!entries || hfy_shard_is_whole_(partial, b))) return HFY_OK;
  return hfy_base_fail_(w, HFY_ERR_FORMAT, "%s is a damaged partial", name);
}

/* Do two partials answer the same question? */
HFY_COLD_ hfy_status hfy_shard_agree_(const hfy_shard_block_ *a, const hfy_shard_block_ *b, const char *what,
                                      hfy_work *work) {
  hfy_shard_recipe_ x = a->head.recipe, y = b->head.recipe;
  if (x.n_queries != y.n_queries)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%s is for %z queries; it should be for %z", what, (size_t)y.n_queries,
                          (size_t)x.n_queries);
  if (x.dim != y.dim || x.width != y.width || x.readout != y.readout)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%s: dim is %z, readout_dim %z; they should be %z and %z", what,
                          (size_t)y.dim, (size_t)(y.readout * y.width), (size_t)x.dim, (size_t)(x.readout * x.width));
  if (x.queries != y.queries)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%s was made for other queries; they should be the same to the bit", what);
  if (memcmp(&x, &y, sizeof x))
    return hfy_base_fail_(work, HFY_ERR_ARG, "%s was made with another sim, beta or separation", what);
  return HFY_OK;
}

/* --- choosing candidates --- */

/* Who of a list stays: what can still matter, and of that the best `capacity`, ties in ascending order. */
typedef struct hfy_shard_sieve_ {
  double top; /* the best score, or the k-th best */
  double margin;
  double cut;   /* the lowest score that finds room */
  size_t equal; /* how many equal to it still do */
  int enough;   /* what finds no room does not matter: ARGMAX has its k, ties of the lowest numbers */
} hfy_shard_sieve_;

/* For these n candidates, whose order gets lost. */
HFY_COLD_ void hfy_shard_set_sieve_(const hfy_shard_block_ *b, double *score, size_t n, hfy_shard_sieve_ *sieve) {
  size_t i, above = 0, k = hfy_sep_by_rank_(&b->sep) ? (size_t)ceil(b->sep.k) : 1, room = b->capacity;
  double cut;
  sieve->top = n >= k ? hfy_base_kth_largest_(score, n, k) : -HUGE_VAL;
  sieve->margin = b->margin;
  sieve->cut = -HUGE_VAL;
  sieve->equal = SIZE_MAX;
  sieve->enough = b->sep.kind == HFY_SEP_ARGMAX && k <= room;
  if (sieve->enough) room = k;
  if (n <= room) return;
  cut = hfy_base_kth_largest_(score, n, room);
  if (!hfy_sim_matters_(sieve->top, sieve->margin, cut)) return;
  for (i = 0; i < n; i++) above += score[i] > cut;
  sieve->cut = cut;
  sieve->equal = room - above;
}

/* Does the next candidate stay? */
HFY_COLD_ int hfy_shard_passes_(hfy_shard_sieve_ *sieve, double theta, hfy_shard_record_ *record) {
  if (!hfy_sim_matters_(sieve->top, sieve->margin, theta)) return 0;
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
HFY_PRIVATE_ void hfy_shard_forget_(const hfy_shard_sieve_ *sieve, hfy_shard_record_ *record) {
  if (!record->dropped || hfy_sim_matters_(sieve->top, sieve->margin, record->lost)) return;
  record->dropped = 0;
  record->lost = -HUGE_VAL;
}

/* --- what a slice finds --- */

typedef struct hfy_shard_call_ {
  hfy_net_run_ run;
  hfy_shard_block_ block;
  const hfy_real *queries;
  const hfy_real *rows; /* values or readout */
  void *partial;
  hfy_net_scratch_ *scratch; /* one a walk */
  double *score;             /* N a walk, with a margin */
  size_t stride, n_queries, walks;
  uint64_t first;
} hfy_shard_call_;

/* The candidates of the query in place j of `live` to where its entries stand if all queries have `capacity`. */
HFY_COLD_ void hfy_shard_keep_list_(const hfy_shard_call_ *call, size_t live, size_t j, double *score,
                                    hfy_net_scratch_ *s) {
  const hfy_shard_block_ *b = &call->block;
  const hfy_status status = hfy_net_candidates_(&call->run, live, j, s);
  hfy_shard_record_ record = hfy_shard_nothing_(status == HFY_ERR_ARG ? 0 : (uint64_t)status); /* ARG: all masked */
  hfy_shard_sieve_ sieve;
  unsigned char *entry = (unsigned char *)call->partial + b->pool + s->walk[j].who * b->capacity * b->entry;
  size_t l;
  if (!status) {
    memcpy(score, s->sep.weight, s->sep.count * sizeof *score);
    hfy_shard_set_sieve_(b, score, s->sep.count, &sieve);
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
  hfy_shard_put_record_(call->partial, s->walk[j].who, &record);
}

HFY_COLD_ void hfy_shard_keep_sum_(const hfy_shard_call_ *call, size_t who, const hfy_net_sum_ *sum,
                                   const hfy_real *z) {
  const hfy_shard_block_ *b = &call->block;
  hfy_shard_record_ record = hfy_shard_nothing_(sum->status == HFY_ERR_ARG ? 0 : (uint64_t)sum->status); /* the same */
  if (!sum->status) {
    record.top = sum->top;
    record.sum = sum->sum;
    record.best = call->first + sum->best;
    memcpy((unsigned char *)call->partial + b->pool + who * b->entry, z, b->head.recipe.width * sizeof *z);
  }
  hfy_shard_put_record_(call->partial, who, &record);
}

/* One walk's share of the queries. */
HFY_COLD_ void hfy_shard_share_(void *context, size_t i) {
  const hfy_shard_call_ *call = (const hfy_shard_call_ *)context;
  const hfy_net_run_ *run = &call->run;
  hfy_net_scratch_ *s = call->scratch + i;
  size_t who = hfy_base_share_(call->n_queries, i, call->walks), j;
  const size_t last = hfy_base_share_(call->n_queries, i + 1, call->walks);
  hfy_real *z = run->net.readout ? s->out : s->z;
  while (who < last) {
    size_t live = 0;
    for (; live < run->tile && who < last; who++) {
      hfy_net_admit_(run, call->queries, who, live, s);
      if (s->walk[live].status) {
        const hfy_shard_record_ record = hfy_shard_nothing_((uint64_t)s->walk[live].status);
        hfy_shard_put_record_(call->partial, who, &record);
      } else {
        live++;
      }
    }
    if (live) hfy_net_partial_(run, live, z, s);
    for (j = 0; j < live; j++) {
      if (call->block.lists)
        hfy_shard_keep_list_(call, live, j, call->score + i * run->net.count, s);
      else
        hfy_shard_keep_sum_(call, s->walk[j].who, s->sums + j, z + j * (size_t)call->block.head.recipe.width);
    }
  }
}

/* Checks a net and describes its partial. whole: of the whole's net, whose patterns are elsewhere. Where none are here
   the net borrows one, `none`, that nobody will look at. */
HFY_COLD_ hfy_status hfy_shard_begin_(const hfy_net *net, int whole, size_t capacity, hfy_shard_call_ *call,
                                      hfy_work *work) {
  static const hfy_real none = 0;
  hfy_net_run_ *run = &call->run;
  hfy_net alone;
  hfy_sep full;
  hfy_status status = hfy_base_null_(work, net ? NULL : "net");
  if (!status) status = hfy_shard_sep_(&net->sep, whole && net->count ? net->count : SIZE_MAX / 16, &full, work);
  if (status) return status;
  alone = *net;
  alone.max_steps = 1;
  if (whole || !net->count) {
    alone.count = 1;
    alone.keys = &none;
    alone.values = alone.bias = NULL;
    alone.readout = net->readout_dim ? &none : NULL;
    alone.visible = NULL;
    alone.index = NULL;
    alone.key_stride = alone.value_stride = alone.readout_stride = alone.bias_stride = 0;
  } else if (net->readout_dim && !net->readout) {
    return hfy_base_fail_(work, HFY_ERR_ARG, "net->readout is NULL, but readout_dim is %z", net->readout_dim);
  }
  if (hfy_sep_by_rank_(&full) && full.k > (double)alone.count) alone.sep.k = (double)alone.count;
  status = hfy_net_begin_(&alone, call->n_queries, run, work);
  if (!status) status = hfy_net_choose_(run, call->n_queries, 0, &call->walks, work);
  if (!status) status = hfy_base_null_(work, call->n_queries && !call->queries ? "queries" : NULL);
  if (status) return status;
  run->net.sep.k = full.k;
  hfy_shard_describe_(&run->net, &full, run->net.beta, call->queries, call->n_queries, capacity, &call->block);
  if (call->block.full == SIZE_MAX)
    return hfy_base_fail_(work, HFY_ERR_ARG, "%z queries with a capacity of %z: such a partial cannot exist",
                          call->n_queries, call->block.capacity);
  return HFY_OK;
}

HFY_API HFY_SMALL_ size_t hfy_shard_bytes(const hfy_net *net, size_t n_queries, size_t capacity) {
  hfy_work local, *quiet = hfy_base_open_(NULL, &local);
  hfy_shard_block_ block;
  hfy_sep full;
  if (!net || !net->dim || hfy_shard_sep_(&net->sep, SIZE_MAX / 16, &full, quiet)) return SIZE_MAX;
  hfy_shard_describe_(net, &full, 1, NULL, n_queries, capacity, &block);
  return block.full;
}

HFY_API HFY_SMALL_ hfy_status hfy_shard_find(const hfy_net *net, uint64_t first, const hfy_real *queries,
                                             size_t n_queries, size_t capacity, void *partial, size_t bytes,
                                             hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  const hfy_shard_record_ record = hfy_shard_nothing_(HFY_OK);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_shard_call_ call;
  hfy_net_run_ *run = &call.run;
  hfy_shard_block_ *b = &call.block;
  unsigned char *end;
  size_t *visible = NULL, i, used;
  hfy_status status;
  memset(&call, 0, sizeof call);
  call.first = first;
  call.queries = queries;
  call.n_queries = n_queries;
  call.partial = partial;
  status = hfy_shard_begin_(net, 0, capacity, &call, w);
  if (!status) status = hfy_base_null_(w, partial ? NULL : "partial");
  if (status) return status;
  if (bytes < b->full)
    return hfy_base_fail_(w, HFY_ERR_ARG, "bytes is %z; this partial needs room for %z", bytes, b->full);
  if (first > UINT64_MAX - net->count)
    return hfy_base_fail_(w, HFY_ERR_ARG, "first and net->count %z: there are no such patterns", net->count);
  while (net->count && hfy_base_layout_(&arena, w, &status)) {
    run->inverse_norms = hfy_net_plan_norms_(&arena, &run->net);
    call.scratch = HFY_TAKE_(&arena, hfy_net_scratch_, call.walks);
    call.score = HFY_TAKE_(&arena, double, b->lists ? hfy_base_times_(call.walks, net->count) : 0);
    visible = HFY_TAKE_(&arena, size_t, net->visible ? n_queries : 0);
    for (i = 0; i < call.walks; i++) {
      hfy_net_scratch_ counted;
      hfy_net_plan_tile_(&arena, run, 0, call.scratch ? call.scratch + i : &counted);
    }
  }
  if (status) return status;
  b->head.patterns = net->count;
  b->head.cover = hfy_shard_cover_(first, net->count);
  for (i = 0; i < n_queries; i++) hfy_shard_put_record_(partial, i, &record);
  end = (unsigned char *)partial + b->pool;
  if (!b->lists) memset(end, 0, b->full - b->pool);
  if (net->count && n_queries) {
    for (i = 0; visible && i < n_queries; i++) /* of the slice */
      visible[i] = net->visible[i] > first ? net->visible[i] - (size_t)first : 0;
    run->net.visible = visible;
    call.rows = run->net.readout ? run->net.readout : run->net.values;
    call.stride = run->net.readout ? run->net.readout_stride : run->net.value_stride;
    hfy_net_prepare_(run);
    hfy_base_parallel_(call.walks, hfy_shard_share_, &call);
  }
  for (i = 0; i < n_queries; i++, end += used) { /* closes the gaps that lists shorter than capacity have left */
    const hfy_shard_record_ kept = hfy_shard_record_at_(partial, i);
    used = hfy_shard_entries_(b, &kept) * b->entry;
    memmove(end, (unsigned char *)partial + b->pool + i * b->capacity * b->entry, used);
  }
  b->head.bytes = (uint64_t)(end - (unsigned char *)partial);
  memcpy(partial, &b->head, sizeof b->head);
  return hfy_base_close_(w, &local, HFY_OK);
}

HFY_API HFY_SMALL_ size_t hfy_shard_used(const void *partial, size_t bytes) {
  hfy_work local, *quiet = hfy_base_open_(NULL, &local);
  hfy_shard_block_ block;
  return hfy_shard_read_(partial, bytes, 0, "partial", &block, quiet) ? 0 : (size_t)block.head.bytes;
}

HFY_API HFY_SMALL_ size_t hfy_shard_needed(const void *partial, size_t bytes) {
  hfy_work local, *quiet = hfy_base_open_(NULL, &local);
  hfy_shard_block_ block;
  size_t who, most = 0;
  if (hfy_shard_read_(partial, bytes, 1, "partial", &block, quiet)) return 0;
  for (who = 0; block.lists && who < block.n_queries; who++) {
    hfy_shard_record_ record = hfy_shard_record_at_(partial, who);
    size_t all = hfy_base_plus_((size_t)record.count, (size_t)record.dropped);
    if (all > most) most = all;
  }
  return most;
}

/* --- merging --- */

/* One query's lists a and b into `out`; both ascending, and so is what comes out. */
HFY_COLD_ hfy_shard_record_ hfy_shard_merge_lists_(const hfy_shard_block_ *into, const hfy_shard_record_ *a,
                                                   const unsigned char *a_entry, const hfy_shard_record_ *b,
                                                   const unsigned char *b_entry, unsigned char *out, double *score) {
  hfy_shard_record_ record = hfy_shard_nothing_(HFY_OK);
  hfy_shard_sieve_ sieve;
  size_t na = (size_t)a->count, nb = (size_t)b->count, i;
  for (i = 0; i < na; i++) score[i] = hfy_shard_score_(a_entry + i * into->entry);
  for (i = 0; i < nb; i++) score[na + i] = hfy_shard_score_(b_entry + i * into->entry);
  hfy_shard_set_sieve_(into, score, na + nb, &sieve);
  record.dropped = a->dropped + b->dropped;
  record.lost = a->lost > b->lost ? a->lost : b->lost;
  while (na || nb) {
    const int first = !nb || (na && hfy_shard_number_(a_entry) < hfy_shard_number_(b_entry));
    const unsigned char **from = first ? &a_entry : &b_entry, *next = *from;
    *from += into->entry;
    --*(first ? &na : &nb);
    if (!hfy_shard_passes_(&sieve, hfy_shard_score_(next), &record)) continue;
    memcpy(out, next, into->entry);
    out += into->entry;
    record.count++;
  }
  hfy_shard_forget_(&sieve, &record);
  return record;
}

/* One query's sums; a's row becomes that of both. x, y: width. SOFTMAX's rows are means, EXP's wait for e^top. */
HFY_COLD_ hfy_shard_record_ hfy_shard_merge_sums_(const hfy_shard_block_ *into, const hfy_shard_record_ *a,
                                                  unsigned char *a_row, const hfy_shard_record_ *b,
                                                  const unsigned char *b_row, hfy_real *x, hfy_real *y) {
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

/* Is there a number that stands in both lists? */
HFY_COLD_ int hfy_shard_overlap_(const hfy_shard_block_ *a, const void *into, const hfy_shard_block_ *b,
                                 const void *from, size_t *number) {
  const unsigned char *x = (const unsigned char *)into + a->pool, *y = (const unsigned char *)from + b->pool;
  size_t who;
  for (who = 0; who < a->n_queries; who++) {
    const unsigned char *x_end = x + (size_t)hfy_shard_record_at_(into, who).count * a->entry;
    const unsigned char *y_end = y + (size_t)hfy_shard_record_at_(from, who).count * b->entry;
    while (x < x_end && y < y_end) {
      const uint64_t p = hfy_shard_number_(x), q = hfy_shard_number_(y);
      *number = (size_t)p;
      if (p == q) return 1;
      *(p < q ? &x : &y) += a->entry;
    }
    x = x_end;
    y = y_end;
  }
  return 0;
}

HFY_API HFY_SMALL_ hfy_status hfy_shard_merge(void *into, size_t into_bytes, const void *from, size_t from_bytes,
                                              hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_shard_block_ a, b;
  unsigned char *copy = NULL, *out, *x;
  const unsigned char *y;
  double *score = NULL;
  hfy_real *rows = NULL;
  size_t who, used, width, most = 0;
  hfy_status status = hfy_shard_read_(into, into_bytes, 1, "into", &a, w);
  if (!status) status = hfy_shard_read_(from, from_bytes, 1, "from", &b, w);
  if (!status) status = hfy_shard_agree_(&a, &b, "from", w);
  if (status) return status;
  if (into == from) return hfy_base_fail_(w, HFY_ERR_ARG, "from is into; a partial counts once");
  if (into_bytes < a.full)
    return hfy_base_fail_(w, HFY_ERR_ARG, "into_bytes is %z; into needs room for %z", into_bytes, a.full);
  if (a.lists && hfy_shard_overlap_(&a, into, &b, from, &who))
    return hfy_base_fail_(w, HFY_ERR_ARG, "into and from both hold pattern %z; their slices should not overlap", who);
  for (who = 0; a.lists && who < a.n_queries; who++) {
    size_t both = (size_t)(hfy_shard_record_at_(into, who).count + hfy_shard_record_at_(from, who).count);
    if (both > most) most = both;
  }
  used = (size_t)a.head.bytes - a.pool;
  width = (size_t)a.head.recipe.width;
  while (hfy_base_layout_(&arena, w, &status)) {
    copy = HFY_TAKE_(&arena, unsigned char, a.lists ? used : 0);
    score = HFY_TAKE_(&arena, double, most);
    rows = HFY_TAKE_(&arena, hfy_real, a.lists ? 0 : 2 * width);
  }
  if (status) return status;
  out = (unsigned char *)into + a.pool;
  x = copy ? (unsigned char *)memcpy(copy, out, used) : out;
  y = (const unsigned char *)from + b.pool;
  for (who = 0; who < a.n_queries; who++) {
    hfy_shard_record_ one = hfy_shard_record_at_(into, who), two = hfy_shard_record_at_(from, who), both;
    if (one.status || two.status)
      both = hfy_shard_nothing_(!two.status || (one.status && one.status < two.status) ? one.status : two.status);
    else if (a.lists)
      both = hfy_shard_merge_lists_(&a, &one, x, &two, y, out, score);
    else
      both = hfy_shard_merge_sums_(&a, &one, x, &two, y, rows, rows + width);
    hfy_shard_put_record_(into, who, &both);
    x += hfy_shard_entries_(&a, &one) * a.entry;
    y += hfy_shard_entries_(&b, &two) * b.entry;
    out += hfy_shard_entries_(&a, &both) * a.entry;
  }
  a.head.bytes = (uint64_t)(out - (unsigned char *)into);
  a.head.patterns += b.head.patterns;
  a.head.cover += b.head.cover;
  memcpy(into, &a.head, sizeof a.head);
  return hfy_base_close_(w, &local, HFY_OK);
}

/* --- finishing --- */

/* The last half of the step for the query that sits in s; its entries begin at `entry`. rows, number: room for them. */
HFY_COLD_ hfy_status hfy_shard_answer_(const hfy_net_run_ *run, const hfy_shard_block_ *b,
                                       const hfy_shard_record_ *record, const unsigned char *entry, hfy_real *rows,
                                       size_t *number, hfy_net_scratch_ *s) {
  size_t l, count = (size_t)record->count, width = (size_t)b->head.recipe.width;
  hfy_real *z = run->net.readout ? s->out : s->z;
  hfy_net_rows_ found = {rows, width, width};
  hfy_net_weights_ p = {NULL, NULL, 0, 0, 0};
  hfy_status status;
  if (s->walk->status) return s->walk->status;
  if (record->status) return (hfy_status)record->status;
  if (record->dropped) return HFY_ERR_NOMEM;
  if (!b->lists) {
    if (hfy_base_is_neg_inf_(record->top)) return HFY_ERR_ARG;
    if (b->sep.kind == HFY_SEP_EXP) p.log_scale = record->top;
    memcpy(z, entry, width * sizeof *z);
    p.best = (size_t)record->best;
  }
  for (l = 0; b->lists && l < count; l++, entry += b->entry) {
    uint64_t global = hfy_shard_number_(entry);
    number[l] = global < SIZE_MAX ? (size_t)global : SIZE_MAX;
    s->sep.index[l] = l;
    s->sep.weight[l] = hfy_shard_score_(entry);
    memcpy(rows + l * width, entry + 16, width * sizeof *rows);
  }
  if (b->lists) {
    s->sep.count = count;
    status = hfy_sep_candidates_(&run->net.sep, &s->sep);
    if (status) return status;
    p = hfy_net_listed_weights_(&s->sep);
    hfy_net_project_(run, &p, &found, s, z);
    for (l = 0; l < s->sep.count; l++) s->sep.index[l] = number[s->sep.index[l]];
  }
  (void)hfy_net_step_(run, s->walk, p.log_scale, !run->net.readout, s); /* the only one */
  if (!s->walk->status) hfy_net_answer_(run, s->walk, &p, s->out);
  return s->walk->status;
}

/* Can a partial give what a report asks for? */
HFY_COLD_ hfy_status hfy_shard_knows_(const hfy_net *net, const hfy_report *report, int lists, hfy_work *w) {
  const char *none_such = report->energy ? "energy" : report->weights ? "weights" : NULL;
  if (report->residual && net->readout_dim) none_such = "residual";
  if (!lists && (report->support || report->top_index || report->top_weight))
    none_such = report->support ? "support" : "top";
  if (!none_such) return HFY_OK;
  return hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "report->%s is set; a partial does not know it", none_such);
}

HFY_API HFY_SMALL_ hfy_status hfy_shard_finish(const hfy_net *net, const hfy_real *queries, size_t n_queries,
                                               const void *partial, size_t bytes, hfy_real *out,
                                               const hfy_report *report, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_shard_call_ call;
  hfy_net_run_ *run = &call.run;
  hfy_shard_block_ block;
  hfy_net_scratch_ scratch;
  const unsigned char *entry;
  hfy_real *rows = NULL;
  size_t *number = NULL, who, most = 1;
  hfy_status one, status;
  call.queries = queries;
  call.n_queries = n_queries;
  status = hfy_shard_begin_(net, 1, 1, &call, w);
  if (!status) status = hfy_shard_read_(partial, bytes, 1, "partial", &block, w);
  if (!status) status = hfy_shard_agree_(&call.block, &block, "partial", w);
  if (status) return status;
  if (net->count && (block.head.patterns != net->count || block.head.cover != hfy_shard_cover_(0, net->count)))
    return hfy_base_fail_(w, HFY_ERR_ARG, "partial covers %z patterns; it should cover each of the %z of the net once",
                          (size_t)block.head.patterns, net->count);
  status = hfy_net_check_call_(&run->net, queries, n_queries, out, report, w);
  if (!status && report) status = hfy_shard_knows_(net, report, block.lists, w);
  for (who = 0; block.lists && who < n_queries; who++) {
    hfy_shard_record_ record = hfy_shard_record_at_(partial, who);
    if (record.count > most) most = (size_t)record.count;
  }
  run->net.count = most; /* a net of `most` candidates, one query at a time */
  run->tile = 1;
  hfy_net_call_of_(run, queries, out, report);
  while (hfy_base_layout_(&arena, w, &status)) {
    number = HFY_TAKE_(&arena, size_t, block.lists ? most : 0);
    rows = HFY_TAKE_(&arena, hfy_real, block.lists ? hfy_base_times_(most, (size_t)block.head.recipe.width) : 0);
    hfy_net_plan_(&arena, run, 0, &scratch);
  }
  if (status) return status;
  entry = (const unsigned char *)partial + block.pool;
  for (who = 0; who < n_queries; who++) {
    hfy_shard_record_ record = hfy_shard_record_at_(partial, who);
    hfy_net_admit_(run, queries, who, 0, &scratch);
    one = hfy_shard_answer_(run, &block, &record, entry, rows, number, &scratch);
    entry += hfy_shard_entries_(&block, &record) * block.entry;
    if (report && report->status) report->status[who] = one;
    if (!one || status) continue;
    status = one;
    if (one == HFY_ERR_NOMEM)
      hfy_base_fail_(w, one, "query %z has more candidates than its partials' capacity; %z would do", who,
                     (size_t)(record.count + record.dropped));
    else
      hfy_net_failed_(w, one, who);
  }
  return hfy_base_close_(w, &local, status);
}

#undef HFY_SHARD_MAGIC_
#undef HFY_SHARD_FORMAT_
#endif /* HFY_HAS_SHARD_ */

#ifdef HFY_HAS_THEORY_
/* ------------------------------------------------------------------------------------------------------------------
   >>theory.impl   what the papers prove, computed
   Shapes: keys N x D are widened to double block by block; a block of the Gram matrix at a time, never all of it.
   May call: base, simd, linalg, structure, sep, post, net.
   Numerics: double throughout. Products are those of hfy_linalg_dgemm_, whose elements do not depend on blocks, and
   what is kept of them is a maximum or a minimum: so the bits do not depend on the number of workers. Exponentials of
   large numbers are kept as logarithms; 1 - cos is taken as 2 sin^2 of the half. Equations: docs/math.md, 15.
   Early returns stand before any scratch is taken: until then there is nothing to close.
   ------------------------------------------------------------------------------------------------------------------ */
enum {
  HFY_THEORY_BLOCK_ = 128,   /* rows of a block of the Gram matrix */
  HFY_THEORY_STEPS_ = 10000, /* of an iteration to a fixed point at most */
  HFY_THEORY_LANCZOS_ = 256  /* steps at most */
};

/* --- nets --- */

/* The net with its defaults, if it is one of dot products. */
HFY_COLD_ hfy_status hfy_theory_resolve_(const hfy_net *net, size_t n_queries, hfy_net *full, hfy_work *work) {
  hfy_status status = hfy_net_resolve_(net, n_queries, full, work);
  if (status || full->sim == HFY_SIM_DOT) return status;
  return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->sim is not HFY_SIM_DOT; the theory is that of dots");
}

/* The margin of the net's separation and its k, if it has a margin and a whole k. */
HFY_COLD_ hfy_status hfy_theory_margin_(const hfy_net *full, double *margin, size_t *k, hfy_work *work) {
  *k = full->sep.kind == HFY_SEP_KSUBSETS || full->sep.kind == HFY_SEP_ARGMAX ? (size_t)full->sep.k : 1;
  *margin = hfy_sep_link_margin_(&full->sep);
  if (full->sep.plus) return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->sep.plus is set; sums are not covered");
  if (!(*margin < DBL_MAX))
    return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->sep has no margin; it never answers exactly");
  if (full->sep.kind == HFY_SEP_KSUBSETS && ((double)*k < full->sep.k || (double)*k > full->sep.k))
    return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->sep.k is %g; exact answers need a whole number",
                          full->sep.k);
  return HFY_OK;
}

/* The plain net of Propositions 7 and 9 and of MHN. */
HFY_COLD_ hfy_status hfy_theory_plain_(const hfy_net *full, hfy_work *work) {
  const char *member = NULL;
  if (full->values != full->keys || full->value_stride != full->key_stride) member = "values";
  if (full->self_coupling) member = "self_coupling";
  if (full->bias) member = "bias";
  if (full->visible) member = "visible";
  if (full->post.kind != HFY_POST_NONE) member = "post";
  if (full->step < 1) member = "step";
  if (full->sep.plus) member = "sep.plus";
  if (!member) return HFY_OK;
  return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->%s is set; this is proved for the plain net alone", member);
}

/* A query as doubles; NONFINITE if it is not finite. */
HFY_COLD_ hfy_status hfy_theory_query_(const hfy_net *full, const hfy_real *query, double *q) {
  return hfy_linalg_widen_(query, full->dim, 1, full->dim, q) ? HFY_OK : HFY_ERR_NONFINITE;
}

/* x_i as doubles, in room. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ const double *hfy_theory_key_(const hfy_net *full, size_t i, double *room) {
  const hfy_real *x = full->keys + i * full->key_stride;
  size_t d, n = full->dim;
  for (d = 0; d + 4 <= n; d += 4) {
    room[d] = (double)x[d];
    room[d + 1] = (double)x[d + 1];
    room[d + 2] = (double)x[d + 2];
    room[d + 3] = (double)x[d + 3];
  }
  for (; d < n; d++) room[d] = (double)x[d];
  return room;
}

/* |x - y|^2. */
HFY_COLD_ double hfy_theory_apart_(const double *x, const double *y, size_t n) {
  double sum = 0;
  size_t d;
  for (d = 0; d < n; d++) sum += (x[d] - y[d]) * (x[d] - y[d]);
  return sum;
}

/* |x_i|^2 of each (or NULL), the largest of them, the mean of the patterns (or NULL); NONFINITE names the key. */
HFY_COLD_ hfy_status hfy_theory_survey_(const hfy_net *full, double *each, double *most, double *mean, double *room,
                                        hfy_work *work) {
  size_t i;
  *most = 0;
  if (mean) memset(mean, 0, full->dim * sizeof *mean);
  for (i = 0; i < full->count; i++) {
    const double *x = hfy_theory_key_(full, i, room), square = hfy_linalg_dot_(x, x, full->dim);
    if (!hfy_base_is_finite_(square))
      return hfy_base_fail_(work, HFY_ERR_NONFINITE, "net->keys: NaN or infinity in pattern %z", i);
    if (square > *most) *most = square;
    if (each) each[i] = square;
    if (mean) hfy_linalg_axpy_(1 / (double)full->count, x, mean, full->dim);
  }
  return HFY_OK;
}

/* --- separations of all patterns --- */

typedef struct hfy_theory_pairs_ {
  const hfy_net *full;
  const hfy_simd_ *simd;
  double threshold;    /* m/beta */
  double *square;      /* N: |x_i|^2 */
  double *nearest;     /* workers x N: max x_i.x_j */
  size_t *rival;       /* likewise, and which j it is */
  double *radius;      /* likewise, or NULL: not asked for */
  size_t workers, own; /* elements of a worker's own: */
  double *room;        /* two blocks of keys, their dots, a product's scratch */
} hfy_theory_pairs_;

/* The nearer of two rivals, the lower of equals. */
HFY_PRIVATE_ void hfy_theory_nearer_(double *nearest, size_t *rival, double dot, size_t j) {
  if (!(dot > *nearest) && (dot < *nearest || j >= *rival)) return;
  *nearest = dot;
  *rival = j;
}

/* What pattern j says about pattern i, of which `at` knows: math 15, Radius. */
HFY_PRIVATE_ HFY_SIMD_NOINLINE_ void hfy_theory_meet_(const hfy_theory_pairs_ *g, size_t at, size_t i, size_t j,
                                                      double dot) {
  double both, apart, gap, r;
  hfy_theory_nearer_(g->nearest + at, g->rival + at, dot, j);
  if (!g->radius) return;
  both = g->square[i] + g->square[j];
  apart = both - 2 * dot;
  gap = g->square[i] - dot - g->threshold;
  if (apart > 4 * DBL_EPSILON * both)
    r = gap / sqrt(apart);
  else /* the same pattern: no distance helps */
    r = gap < 0 ? -HUGE_VAL : HUGE_VAL;
  if (r < g->radius[at]) g->radius[at] = r;
}

/* A worker takes every workers-th row of blocks on and right of the diagonal. */
HFY_PRIVATE_ void hfy_theory_rows_(void *context, size_t worker) {
  const hfy_theory_pairs_ *g = (const hfy_theory_pairs_ *)context;
  const hfy_net *full = g->full;
  const size_t size = HFY_THEORY_BLOCK_, n = full->count, dim = full->dim, stride = full->key_stride, at = worker * n;
  double *x = g->room + worker * g->own, *y = x + hfy_base_min_(n, size) * dim;
  double *product = y + hfy_base_min_(n, size) * dim;
  size_t first, second, i, j;
  for (i = 0; i < n; i++) {
    g->nearest[at + i] = -HUGE_VAL;
    g->rival[at + i] = SIZE_MAX;
    if (g->radius) g->radius[at + i] = HUGE_VAL;
  }
  for (first = worker * size; first < n; first += g->workers * size) {
    size_t rows = hfy_base_min_(size, n - first);
    hfy_linalg_widen_(full->keys + first * stride, stride, rows, dim, x);
    for (second = first; second < n; second += size) {
      size_t columns = hfy_base_min_(size, n - second);
      hfy_linalg_widen_(full->keys + second * stride, stride, columns, dim, y);
      hfy_linalg_multiply_(g->simd, rows, columns, dim, hfy_linalg_rows_(x, dim), hfy_linalg_turned_(y, dim),
                           hfy_linalg_set_(product, size), product + size * size);
      for (i = 0; i < rows; i++) /* in the diagonal block each pair once */
        for (j = second > first ? 0 : i + 1; j < columns; j++) {
          double dot = product[i * size + j];
          hfy_theory_meet_(g, at + first + i, first + i, second + j, dot);
          hfy_theory_meet_(g, at + second + j, second + j, first + i, dot);
        }
    }
  }
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_separate(const hfy_net *net, const hfy_theory_separation *out,
                                                  hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_theory_pairs_ g;
  hfy_net full;
  const size_t size = HFY_THEORY_BLOCK_;
  double margin = 0, largest;
  size_t k = 1, i, n, all, worker;
  hfy_status status = hfy_theory_resolve_(net, 1, &full, w);
  if (!status) status = hfy_base_null_(w, !out ? "out" : NULL);
  if (!status && (out->stationary || out->radius || out->radius_bound))
    status = hfy_theory_margin_(&full, &margin, &k, w);
  if (status) return status;
  if (k > 1)
    return hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "net->sep.k is %z; single patterns are retrieved with k = 1", k);
  g.simd = hfy_simd_choose_(w);
  if (!g.simd) return HFY_ERR_UNSUPPORTED;
  n = full.count;
  g.full = &full;
  g.threshold = margin / full.beta;
  g.workers = hfy_base_min_(hfy_base_workers_(), (n - 1) / size + 1);
  all = hfy_base_times_(g.workers, n);
  g.own = 2 * hfy_base_min_(n, size) * full.dim + size * size +
          hfy_linalg_gemm_scratch_(size, size, full.dim, sizeof(double));
  while (hfy_base_layout_(&arena, w, &status)) {
    g.square = HFY_TAKE_(&arena, double, n);
    g.nearest = HFY_TAKE_(&arena, double, all);
    g.rival = HFY_TAKE_(&arena, size_t, all);
    g.radius = HFY_TAKE_(&arena, double, out->radius ? all : 0);
    g.room = HFY_TAKE_(&arena, double, hfy_base_times_(g.workers, g.own));
  }
  if (!status) status = hfy_theory_survey_(&full, g.square, &largest, NULL, g.room, w);
  if (status) return hfy_base_close_(w, &local, status);
  largest = sqrt(largest);
  hfy_base_parallel_(g.workers, hfy_theory_rows_, &g);
  for (i = 0; i < n; i++) {
    double delta, room;
    for (worker = 1; worker < g.workers; worker++) { /* the first worker's then hold for all */
      size_t at = worker * n + i;
      hfy_theory_nearer_(g.nearest + i, g.rival + i, g.nearest[at], g.rival[at]);
      if (g.radius && g.radius[at] < g.radius[i]) g.radius[i] = g.radius[at];
    }
    delta = g.square[i] - g.nearest[i];
    room = delta - g.threshold; /* with patterns of zeros alone no distance matters */
    if (out->separation) out->separation[i] = delta;
    if (out->rival) out->rival[i] = g.rival[i];
    if (out->stationary) out->stationary[i] = delta >= g.threshold;
    if (out->radius) out->radius[i] = g.radius[i];
    if (out->radius_bound)
      out->radius_bound[i] = largest > 0 ? room / (2 * largest) : delta >= g.threshold ? HUGE_VAL : -HUGE_VAL;
  }
  return hfy_base_close_(w, &local, status);
}

/* --- queries --- */

/* x.q + bias/beta of every pattern, -infinity where it is masked; counts those that are not. */
HFY_COLD_ hfy_status hfy_theory_scores_(const hfy_net *full, size_t who, const double *q, double *score, size_t *seen,
                                        double *room) {
  size_t i, n = full->count, visible = full->visible ? hfy_base_min_(full->visible[who], n) : n;
  const hfy_real *bias = full->bias ? full->bias + who * full->bias_stride : NULL;
  *seen = 0;
  for (i = 0; i < n; i++) {
    score[i] = -HUGE_VAL;
    if (i >= visible || (bias && hfy_base_is_neg_inf_((double)bias[i]))) continue;
    score[i] = hfy_linalg_dot_(hfy_theory_key_(full, i, room), q, full->dim) +
               (bias ? (double)bias[i] / full->beta : 0);
    if (!hfy_base_is_finite_(score[i])) return HFY_ERR_NONFINITE;
    ++*seen;
  }
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_retrieves(const hfy_net *net, const hfy_real *queries, size_t n_queries,
                                                   double *slack, size_t *chosen, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_net full;
  double margin = 0, *q = NULL, *room = NULL, *score = NULL, *sorted = NULL;
  size_t k = 1, j, n, *best = NULL;
  hfy_status status = hfy_theory_resolve_(net, n_queries, &full, w);
  if (!status) status = hfy_theory_margin_(&full, &margin, &k, w);
  if (!status && n_queries) status = hfy_base_null_(w, !queries ? "queries" : !slack ? "slack" : NULL);
  if (status) return status;
  if (!hfy_base_fits_(n_queries, k, sizeof *chosen))
    return hfy_base_fail_(w, HFY_ERR_ARG, "n_queries is %z; chosen cannot exist", n_queries);
  n = full.count;
  while (hfy_base_layout_(&arena, w, &status)) {
    q = HFY_TAKE_(&arena, double, full.dim);
    room = HFY_TAKE_(&arena, double, full.dim);
    score = HFY_TAKE_(&arena, double, n);
    sorted = HFY_TAKE_(&arena, double, n);
    best = HFY_TAKE_(&arena, size_t, hfy_base_min_(k, n));
  }
  if (status) return status;
  for (j = 0; j < n_queries; j++) {
    size_t seen = 0;
    hfy_status one = hfy_theory_query_(&full, queries + j * full.dim, q);
    if (!one) one = hfy_theory_scores_(&full, j, q, score, &seen, room);
    if (!one && seen >= k) {
      double kth = hfy_base_largest_(score, n, k, NULL, best, sorted);
      slack[j] = seen > k ? kth - hfy_base_kth_largest_(sorted, n, k + 1) - margin / full.beta : HUGE_VAL;
      if (chosen) memcpy(chosen + j * k, best, k * sizeof *best);
    } else if (!status) {
      status = one ? hfy_net_failed_(w, one, j)
                   : hfy_base_fail_(w, HFY_ERR_ARG, "query %z: %z patterns are not masked, fewer than k = %z", j, seen,
                                    k);
    }
  }
  return hfy_base_close_(w, &local, status);
}

/* -Omega(1/N) of a negentropy on the simplex (Omega = 0 at its corners), math 15; below 0: the kind is none. */
HFY_COLD_ double hfy_theory_entropy_(const hfy_sep *full, double n) {
  const double a = full->alpha, g = full->gamma;
  const int entmax = full->kind == HFY_SEP_ENTMAX;
  if (hfy_sep_has_bounds_(full)) return -1;
  if (full->kind == HFY_SEP_SOFTMAX || (entmax && !(a > 1) && !(a < 1))) return log(n);
  if (full->kind == HFY_SEP_SPARSEMAX) return 0.5 * (1 - 1 / n);
  if (entmax) return hfy_base_is_finite_(a) ? -expm1((1 - a) * log(n)) / (a * (a - 1)) : 0;
  if (full->kind == HFY_SEP_NORMMAX) return hfy_base_is_finite_(g) ? -expm1((1 - g) / g * log(n)) : 1 - 1 / n;
  return -1;
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_bound_energy(const hfy_net *net, const hfy_real *queries, size_t n_queries,
                                                      double *lower, double *upper, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_net full;
  double entropy, by_entropy, square = 0, *q = NULL, *room = NULL;
  size_t i, j;
  hfy_status status = hfy_theory_resolve_(net, n_queries, &full, w);
  if (!status) status = hfy_theory_plain_(&full, w);
  if (status) return status;
  entropy = hfy_theory_entropy_(&full.sep, (double)full.count);
  if (entropy < 0) return hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "net->sep is no negentropy on the simplex");
  if (lower && n_queries && !queries) return hfy_base_null_(w, "queries");
  while (hfy_base_layout_(&arena, w, &status)) {
    q = HFY_TAKE_(&arena, double, full.dim);
    room = HFY_TAKE_(&arena, double, full.dim);
  }
  if (!status) status = hfy_theory_survey_(&full, NULL, &square, NULL, room, w);
  if (status) return hfy_base_close_(w, &local, status);
  by_entropy = square / 2 + entropy / full.beta;
  if (upper) *upper = by_entropy < 2 * square ? by_entropy : 2 * square;
  for (j = 0; lower && j < n_queries; j++) {
    double best = -HUGE_VAL;
    hfy_status one = hfy_theory_query_(&full, queries + j * full.dim, q);
    for (i = 0; !one && i < full.count; i++) {
      const double *x = hfy_theory_key_(&full, i, room), dot = hfy_linalg_dot_(x, q, full.dim);
      if (i && !(dot > best)) continue;
      best = dot;
      lower[j] = hfy_theory_apart_(x, q, full.dim) / 2;
    }
    if (one && !status) status = hfy_net_failed_(w, one, j);
  }
  return hfy_base_close_(w, &local, status);
}

/* --- capacities --- */

/* What a number should be; ARG otherwise. */
enum { HFY_THEORY_ABOVE_0_, HFY_THEORY_SHARE_, HFY_THEORY_FROM_0_, HFY_THEORY_FROM_1_, HFY_THEORY_FROM_2_ };

HFY_COLD_ hfy_status hfy_theory_number_(const char *name, double x, int range, hfy_work *work) {
  static const char *const text[] = {"above 0 and finite", "above 0 and at most 1", "at least 0 and finite",
                                     "at least 1 and finite", "at least 2 and finite"};
  const int low = range < HFY_THEORY_FROM_0_ ? x > 0 : x >= range - HFY_THEORY_FROM_0_;
  if (low && (range == HFY_THEORY_SHARE_ ? x <= 1 : hfy_base_is_finite_(x))) return HFY_OK;
  return hfy_base_should_(work, "", name, x, text[range]);
}

HFY_COLD_ hfy_status hfy_theory_sphere_(const hfy_theory_sphere *s, const void *out, hfy_work *work) {
  hfy_status status = hfy_base_null_(work, !s ? "sphere" : !out ? "out" : NULL);
  if (status || (status = hfy_theory_number_("sphere->dim", s->dim, HFY_THEORY_FROM_2_, work)) ||
      (status = hfy_theory_number_("sphere->radius", s->radius, HFY_THEORY_ABOVE_0_, work)) ||
      (status = hfy_theory_number_("sphere->beta", s->beta, HFY_THEORY_ABOVE_0_, work)))
    return status;
  return hfy_theory_number_("sphere->failure", s->failure, HFY_THEORY_SHARE_, work);
}

/* 1 - cos x without cancellation. */
HFY_COLD_ double hfy_theory_versine_(double x) {
  double s = sin(x / 2);
  return 2 * s * s;
}

/* log Gamma(x + 1/2) - log Gamma(x): from x = 100 on by its series, as the two logarithms would cancel. */
HFY_COLD_ double hfy_theory_half_gamma_(double x) {
  const double y = 1 / (x * x);
  if (x < 100) return lgamma(x + 0.5) - lgamma(x);
  return 0.5 * log(x) - (1 / 8.0 - y * (1 / 192.0 - y / 640)) / x;
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_capacity_exact(const hfy_theory_sphere *sphere, hfy_theory_exact *out,
                                                        hfy_work *work) {
  const double pi = 3.14159265358979323846;
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_status status = hfy_theory_sphere_(sphere, out, w);
  double d, m, angle, lost, x, zeta;
  if (status || (status = hfy_theory_number_("sphere->margin", sphere->margin, HFY_THEORY_FROM_0_, w))) return status;
  if (!(sphere->angle >= 0 && sphere->angle < pi / 2))
    return hfy_base_should_(w, "", "sphere->angle", sphere->angle, "above 0 and below pi/2, or 0 for pi/3");
  zeta = sphere->zeta;
  if (!(zeta >= 0 && hfy_base_is_finite_(zeta)) || (zeta > 0 && zeta <= 1))
    return hfy_base_should_(w, "", "sphere->zeta", zeta, "above 1 and finite, or 0 for the default");
  d = sphere->dim;
  m = sphere->radius;
  angle = sphere->angle > 0 ? sphere->angle : pi / 3;
  lost = sphere->margin / (2 * sphere->beta * m);
  x = sphere->margin / (sphere->beta * m * m);
  out->placed_log = 0.5 * log(2 * pi * d) + log(cos(angle)) - (d - 1) * log(sin(angle));
  out->placed_count = exp(out->placed_log);
  out->placed_radius = m / 2 * hfy_theory_versine_(angle) - lost;
  out->zeta_limit = x > 2 ? 0 : x > 0 ? 1 / (2 * asin(sqrt(x / 2))) : HUGE_VAL; /* arccos(1-x) */
  if (!(zeta > 0)) zeta = out->zeta_limit > 1 ? sqrt(out->zeta_limit) : 1;
  if (!(zeta < DBL_MAX)) zeta = 2; /* margin 0: no limit, any will do */
  out->zeta = zeta;
  out->kappa = exp(hfy_theory_half_gamma_((d - 1) / 2)) / ((d - 1) * sqrt(pi));
  out->random_log = 0.5 * log(2 * sphere->failure / out->kappa) + (d - 1) / 2 * log(zeta);
  out->random_count = exp(out->random_log);
  out->random_radius = m / 2 * hfy_theory_versine_(1 / zeta) - lost;
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_lambert(int branch, double x, double *w, hfy_work *work) {
  const double least = -0.36787944117144233; /* -1/e, rounded up: the last double inside */
  hfy_work local, *used = hfy_base_open_(work, &local);
  double y = x, p = 2 * (2.718281828459045235 * x + 1), l;
  int step;
  if (!w) return hfy_base_null_(used, "w");
  if (branch != 0 && branch != -1)
    return hfy_base_fail_(used, HFY_ERR_ARG, "branch is %g; it should be 0 or -1", (double)branch);
  if (!(x >= least) || (branch && !(x < 0)))
    return hfy_base_fail_(used, HFY_ERR_UNSUPPORTED, "x is %g; W_%g exists from -1/e on%s", x, (double)branch,
                          branch ? ", below 0" : "");
  if ((x > 0 || x < 0) && !hfy_base_is_pos_inf_(x)) {
    l = branch ? log(-x) : x < 3 ? log1p(x) : log(x);
    y = branch ? l - log(-l) : x < 3 ? l * (1 - log1p(l) / (2 + l)) : l - log(l);
    if (x < -0.25) { /* the series in the root of the distance from the branch point */
      p = (branch ? -1 : 1) * sqrt(p > 0 ? p : 0);
      y = -1 + p - p * p / 3 + 11 * p * p * p / 72;
    }
    for (step = 0; step < 50; step++) { /* Halley */
      double e = exp(y), f = y * e - x, up = y + 1, move;
      if (!(up > 0) && !(up < 0)) break; /* the branch point */
      move = f / (e * up - (y + 2) * f / (2 * up));
      y -= move;
      if (!(fabs(move) > 1e-16 * (1 + fabs(y)))) break;
    }
  }
  *w = y;
  return HFY_OK;
}

HFY_API HFY_SMALL_ double hfy_theory_lambert_exp(double u) {
  double w, next;
  int step;
  if (hfy_base_is_nan_(u) || hfy_base_is_pos_inf_(u)) return u;
  if (u < 1) {
    hfy_theory_lambert(0, exp(u), &w, NULL);
    return w;
  }
  w = u > 3 ? u - log(u) : 1;
  for (step = 0; step < 50; step++) { /* Newton on w + log w = u, in a form that stays positive */
    next = w * (1 + u - log(w)) / (1 + w);
    if (!(fabs(next - w) > 1e-16 * next)) break;
    w = next;
  }
  return next;
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_capacity_softmax(const hfy_theory_sphere *sphere, hfy_theory_softmax *out,
                                                          hfy_work *work) {
  const double omega = 0.567143290409783873; /* W_0(1) */
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_status status = hfy_theory_sphere_(sphere, out, w);
  double d, k2, p, b, u;
  if (status) return status;
  d = sphere->dim - 1;
  k2 = sphere->radius * sphere->radius / d;
  p = sphere->failure;
  b = 2 * k2 * sphere->beta / 5;
  out->a = 2 / d * (1 + log(2 * sphere->beta * k2 * p * d));
  out->b = b;
  u = out->a + log(b);
  out->c = b / hfy_theory_lambert_exp(u);
  out->c_needed = exp(4 / d * log(2 / sqrt(p)));
  out->c_bound = u > 0 ? b * exp(-u / (1 + u) * log(u)) : b / log((omega * exp(u) + 1) / (omega * (1 + omega)));
  out->log_count = 0.5 * log(p) + d / 4 * log(out->c);
  out->count = exp(out->log_count);
  out->holds = out->c >= out->c_needed;
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_dimension(double beta, double k, double c, double failure, double *dim,
                                                   hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  double a, b, x, root = 1;
  hfy_status status = hfy_base_null_(w, !dim ? "dim" : NULL);
  if (status || (status = hfy_theory_number_("beta", beta, HFY_THEORY_ABOVE_0_, w)) ||
      (status = hfy_theory_number_("k", k, HFY_THEORY_ABOVE_0_, w)) ||
      (status = hfy_theory_number_("c", c, HFY_THEORY_ABOVE_0_, w)) ||
      (status = hfy_theory_number_("failure", failure, HFY_THEORY_SHARE_, w)))
    return status;
  a = log(c) / 2 - k * k * beta / (5 * c);
  b = 1 + log(2 * failure * beta * k * k);
  x = a * exp(-b);
  if ((a > 0 || a < 0) && hfy_theory_lambert(a > 0 ? 0 : -1, x, &root, NULL))
    return hfy_base_fail_(w, HFY_ERR_UNSUPPORTED,
                          "c is %g: Theorem A6 has no dimension for it (a e^-b is %g, below -1/e)", c, x);
  *dim = 1 + (a > 0 || a < 0 ? root / a : exp(-b)); /* the limit of W(x)/a */
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_slack(hfy_theory_law law, double dim, double beta, double k, double c,
                                               double *slack, hfy_work *work) {
  const double two_pi = 6.283185307179586476925, d = dim - 1, m2 = k * k * d; /* M^2 */
  hfy_work local, *w = hfy_base_open_(work, &local);
  double log_n, shrink, separation;
  hfy_status status = hfy_base_null_(w, !slack ? "slack" : NULL);
  if (!status && (unsigned)law > HFY_THEORY_EXPECTED)
    return hfy_base_fail_(w, HFY_ERR_ARG, "law is %z; it should be one of hfy_theory_law", (size_t)law);
  if (status || (status = hfy_theory_number_("dim", dim, HFY_THEORY_FROM_2_, w)) ||
      (status = hfy_theory_number_("beta", beta, HFY_THEORY_ABOVE_0_, w)) ||
      (status = hfy_theory_number_("k", k, HFY_THEORY_ABOVE_0_, w)) ||
      (status = hfy_theory_number_("c", c, HFY_THEORY_FROM_1_, w)))
    return status;
  log_n = (law == HFY_THEORY_PLACED ? d : d / 4) * log(c);
  shrink = 1 - log(d) / d;
  separation = law == HFY_THEORY_PLACED ? m2 * hfy_theory_versine_(two_pi / c) : m2 / (5 * c) * shrink * shrink;
  *slack = separation - 2 * exp(-log_n) / beta - (log(2 * beta * m2) + 2 * log_n) / beta;
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_capacity_binary(double flipped, double dim, double *rate, double *count,
                                                         hfy_work *work) {
  const double low = 2 * flipped, a = 1 - low;
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_status status = hfy_base_null_(w, !rate ? "rate" : NULL);
  double sum; /* 2 I(a) */
  if (!status && !(flipped >= 0 && flipped <= 0.5))
    status = hfy_base_should_(w, "", "flipped", flipped, "at least 0 and at most 1/2");
  if (!status && count) status = hfy_theory_number_("dim", dim, HFY_THEORY_FROM_1_, w);
  if (status) return status;
  sum = (1 + a) * log1p(a);
  if (low > 0) sum += low * log(low);
  *rate = sum > 0 ? sum / 4 : 0;
  if (count) *count = exp(*rate * dim) + 1;
  return HFY_OK;
}

/* --- softmax: convergence, retrieval error, Jacobian --- */

/* The plain softmax net with its defaults. */
HFY_COLD_ hfy_status hfy_theory_softmax_(const hfy_net *net, hfy_net *full, hfy_work *work) {
  hfy_status status = hfy_theory_resolve_(net, 1, full, work);
  if (status) return status;
  if (full->sep.kind == HFY_SEP_SOFTMAX) return hfy_theory_plain_(full, work);
  return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->sep.kind is not HFY_SEP_SOFTMAX");
}

/* A step: p = softmax(beta X q), z = X^T p. */
HFY_COLD_ void hfy_theory_step_(const hfy_net *full, const double *q, double *p, double *z, double *room) {
  double top = -HUGE_VAL, sum = 0;
  size_t i;
  for (i = 0; i < full->count; i++) {
    p[i] = full->beta * hfy_linalg_dot_(hfy_theory_key_(full, i, room), q, full->dim);
    if (p[i] > top) top = p[i];
  }
  for (i = 0; i < full->count; i++) sum += p[i] = exp(p[i] - top);
  memset(z, 0, full->dim * sizeof *z);
  for (i = 0; i < full->count; i++) {
    p[i] /= sum;
    if (p[i] > 0) hfy_linalg_axpy_(p[i], hfy_theory_key_(full, i, room), z, full->dim);
  }
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_converges(const hfy_net *net, size_t pattern, const hfy_real *query,
                                                   hfy_theory_convergence *out, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_theory_convergence c;
  hfy_net full;
  double *p = NULL, *x = NULL, *q = NULL, *fixed = NULL, *next = NULL, *room = NULL;
  double square = 0, best = -HUGE_VAL, n, beta, farther, wide;
  size_t i;
  hfy_status status = hfy_theory_softmax_(net, &full, w);
  memset(&c, 0, sizeof c);
  if (!status) status = hfy_base_null_(w, !out ? "out" : NULL);
  if (status) return status;
  if (pattern >= full.count)
    return hfy_base_fail_(w, HFY_ERR_ARG, "pattern is %z; it should be below net->count, %z", pattern, full.count);
  while (hfy_base_layout_(&arena, w, &status)) {
    p = HFY_TAKE_(&arena, double, full.count);
    x = HFY_TAKE_(&arena, double, full.dim);
    q = HFY_TAKE_(&arena, double, full.dim);
    fixed = HFY_TAKE_(&arena, double, full.dim);
    next = HFY_TAKE_(&arena, double, full.dim);
    room = HFY_TAKE_(&arena, double, full.dim);
  }
  if (!status) status = hfy_theory_survey_(&full, NULL, &square, NULL, room, w);
  if (!status && hfy_theory_query_(&full, query ? query : full.keys + pattern * full.key_stride, q))
    status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "query: NaN or infinity in it");
  if (status) return hfy_base_close_(w, &local, status);
  hfy_theory_key_(&full, pattern, x);
  for (i = 0; i < full.count; i++) {
    double dot = hfy_linalg_dot_(hfy_theory_key_(&full, i, room), x, full.dim);
    if (i != pattern && dot > best) best = dot;
  }
  n = (double)full.count;
  beta = full.beta;
  c.separation = hfy_linalg_dot_(x, x, full.dim) - best;
  c.largest = sqrt(square);
  c.sphere = square > 0 ? 1 / (beta * n * c.largest) : HUGE_VAL;
  c.needed = full.count > 1 ? (2 / n + log(2 * (n - 1) * n * beta * square)) / beta : -HUGE_VAL;
  c.stored = c.separation >= c.needed;
  /* measured: from x_i on until it stands still */
  memcpy(fixed, x, full.dim * sizeof *x);
  while (c.steps < HFY_THEORY_STEPS_) {
    hfy_theory_step_(&full, fixed, p, next, room);
    c.residual = sqrt(hfy_theory_apart_(fixed, next, full.dim));
    memcpy(fixed, next, full.dim * sizeof *next);
    c.steps++;
    if (!(c.residual > DBL_EPSILON * c.largest)) break;
  }
  c.error = sqrt(hfy_theory_apart_(x, fixed, full.dim));
  c.query_distance = sqrt(hfy_theory_apart_(q, x, full.dim));
  c.inside = c.query_distance <= c.sphere;
  c.before = sqrt(hfy_theory_apart_(q, fixed, full.dim));
  hfy_theory_step_(&full, q, p, next, room);
  c.after = sqrt(hfy_theory_apart_(next, fixed, full.dim));
  if (full.count > 1) { /* promised (math 15, Theorem 5); with one pattern 0 */
    wide = 2 * (n - 1) * c.largest;
    farther = c.query_distance > c.error ? c.query_distance : c.error;
    c.contraction = 2 * beta * n * square * (n - 1) * exp(-beta * (c.separation - 2 * farther * c.largest));
    c.error_bound = wide * exp(-beta * (c.separation - 2 * c.error * c.largest));
    c.error_sphere = wide * exp(-beta * c.separation + 2 / n);
    c.error_closed = wide * exp(1 - beta * c.separation);
  }
  *out = c;
  return hfy_base_close_(w, &local, status);
}

/* --- the Jacobian --- */

/* sum over i of weight_i (x_i - centre)(x_i - centre)^T, never formed. */
typedef struct hfy_theory_operator_ {
  const hfy_net *full;
  const double *weight; /* N, or NULL = 1 */
  const double *centre; /* D, or NULL = 0 */
  double *room;         /* D */
} hfy_theory_operator_;

HFY_PRIVATE_ void hfy_theory_apply_(const void *context, const double *v, double *y) {
  const hfy_theory_operator_ *op = (const hfy_theory_operator_ *)context;
  const size_t dim = op->full->dim;
  double shift = op->centre ? hfy_linalg_dot_(op->centre, v, dim) : 0, sum = 0;
  size_t i;
  memset(y, 0, dim * sizeof *y);
  for (i = 0; i < op->full->count; i++) {
    const double weight = op->weight ? op->weight[i] : 1, *x;
    double a;
    if (!(weight > 0)) continue;
    x = hfy_theory_key_(op->full, i, op->room);
    a = weight * (hfy_linalg_dot_(x, v, dim) - shift);
    hfy_linalg_axpy_(a, x, y, dim);
    sum += a;
  }
  if (op->centre) hfy_linalg_axpy_(-sum, op->centre, y, dim);
}

/* J = beta sum over i of p_i (x_i - centre)(x_i - centre)^T. */
HFY_COLD_ void hfy_theory_form_(const hfy_theory_operator_ *op, double *jacobian) {
  const hfy_net *full = op->full;
  size_t i, d, dim = full->dim;
  memset(jacobian, 0, dim * dim * sizeof *jacobian);
  for (i = 0; i < full->count; i++) {
    if (!(op->weight[i] > 0)) continue;
    hfy_theory_key_(full, i, op->room);
    hfy_linalg_axpy_(-1, op->centre, op->room, dim);
    for (d = 0; d < dim; d++)
      hfy_linalg_axpy_(full->beta * op->weight[i] * op->room[d], op->room, jacobian + d * dim, dim);
  }
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_jacobian(const hfy_net *net, const hfy_real *query, double *jacobian,
                                                  hfy_theory_jacobian_norm *norms, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_theory_operator_ op = {NULL, NULL, NULL, NULL};
  hfy_net full;
  double *p = NULL, *q = NULL, *mean = NULL, *centre = NULL, *y = NULL, *basis = NULL;
  double square = 0, most = 0, spread = 0, others = 0, by_largest;
  size_t i, dim, steps, top = 0;
  hfy_status status = hfy_theory_softmax_(net, &full, w);
  if (!status) status = hfy_base_null_(w, !query ? "query" : NULL);
  if (status) return status;
  if (jacobian && !hfy_base_fits_(full.dim, full.dim, sizeof *jacobian))
    return hfy_base_fail_(w, HFY_ERR_ARG, "net->dim is %z; such a jacobian cannot exist", full.dim);
  dim = full.dim;
  steps = norms ? hfy_base_min_(dim, HFY_THEORY_LANCZOS_) : 0;
  while (hfy_base_layout_(&arena, w, &status)) {
    p = HFY_TAKE_(&arena, double, full.count);
    q = HFY_TAKE_(&arena, double, dim);
    mean = HFY_TAKE_(&arena, double, dim);
    centre = HFY_TAKE_(&arena, double, dim);
    op.room = HFY_TAKE_(&arena, double, dim);
    y = HFY_TAKE_(&arena, double, dim);
    basis = HFY_TAKE_(&arena, double, hfy_base_times_(steps, dim + 2));
  }
  if (!status && hfy_theory_query_(&full, query, q))
    status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "query: NaN or infinity in it");
  if (!status) status = hfy_theory_survey_(&full, NULL, &square, mean, op.room, w);
  if (status) return hfy_base_close_(w, &local, status);
  op.full = &full;
  hfy_theory_step_(&full, q, p, centre, op.room);
  if (norms) { /* the bounds */
    for (i = 0; i < full.count; i++) {
      double s = hfy_theory_apart_(hfy_theory_key_(&full, i, op.room), mean, dim);
      if (p[i] * (1 - p[i]) > most) most = p[i] * (1 - p[i]);
      if (s > spread) spread = s;
      if (p[i] > p[top]) top = i;
    }
    for (i = 0; i < full.count; i++) others += i == top ? 0 : p[i]; /* 1 - top without cancellation */
    by_largest = 2 * full.beta * (double)full.count * square;
    norms->by_spectrum = 2 * full.beta * hfy_linalg_lanczos_(hfy_theory_apply_, &op, dim, steps, basis, y) * most;
    norms->by_largest = by_largest * most;
    norms->by_spread = full.beta * spread;
    norms->by_top = others <= 0.5 ? by_largest * others * (1 - others) : HUGE_VAL;
  }
  op.weight = p; /* math 15, Jacobian */
  op.centre = centre;
  if (norms) norms->norm = full.beta * hfy_linalg_lanczos_(hfy_theory_apply_, &op, dim, steps, basis, y);
  if (jacobian) hfy_theory_form_(&op, jacobian);
  return hfy_base_close_(w, &local, status);
}

/* --- associations (HFY Prop. 14) --- */

/* What the check works in. */
typedef struct hfy_theory_scratch_ {
  hfy_structure_solver_ solver;
  hfy_linalg_symmetric_ eigen;
  size_t m;              /* min(N, dim) */
  double *theta;         /* N: scores of the query X^T y */
  double *query, *room;  /* dim */
  double *gram, *values; /* m x m, its m eigenvalues */
  double *panel, *gemm;  /* m x a block of the longer side; a product's scratch */
} hfy_theory_scratch_;
HFY_COLD_ void hfy_theory_plan_(hfy_base_arena_ *arena, const hfy_net *net, const hfy_structure *structure,
                                hfy_theory_scratch_ *s) {
  size_t m = s->m = hfy_base_min_(net->count, net->dim);
  hfy_structure_plan_(arena, structure, 1, &s->solver);
  hfy_linalg_symmetric_plan_(arena, m, 0, &s->eigen);
  s->theta = HFY_TAKE_(arena, double, net->count);
  s->query = HFY_TAKE_(arena, double, net->dim);
  s->room = HFY_TAKE_(arena, double, net->dim);
  s->gram = HFY_TAKE_(arena, double, hfy_base_times_(m, m));
  s->values = HFY_TAKE_(arena, double, m);
  s->panel = HFY_TAKE_(arena, double, hfy_base_times_(m, HFY_THEORY_BLOCK_));
  s->gemm = HFY_TAKE_(arena, double, hfy_linalg_gemm_scratch_(m, m, HFY_THEORY_BLOCK_, sizeof(double)));
}

/* sigma_max(X)^2, from above: the largest eigenvalue of X X^T or X^T X, whichever is smaller and made by blocks of the
   longer side, and what rounding may have taken from it. */
HFY_COLD_ hfy_status hfy_theory_spectral_(const hfy_net *net, hfy_theory_scratch_ *s, double *square) {
  const int rows = net->count <= net->dim;
  size_t m = s->m, longer = rows ? net->dim : net->count, from, depth, k, r;
  size_t across = rows ? net->key_stride : 1, along = rows ? 1 : net->key_stride;
  hfy_status status;
  for (from = 0; from < longer; from += depth) {
    depth = hfy_base_min_(longer - from, HFY_THEORY_BLOCK_);
    for (k = 0; k < depth; k++)
      for (r = 0; r < m; r++) s->panel[k * m + r] = (double)net->keys[r * across + (from + k) * along];
    hfy_linalg_multiply_(s->eigen.simd, m, m, depth, hfy_linalg_turned_(s->panel, m), hfy_linalg_rows_(s->panel, m),
                         from ? hfy_linalg_add_(s->gram, m) : hfy_linalg_set_(s->gram, m), s->gemm);
  }
  status = hfy_linalg_symmetric_run_(&s->eigen, s->gram, s->values, NULL);
  *square = s->values[0] * (1 + 16 * (double)(m + 8) * DBL_EPSILON);
  return status;
}

/* The best vertex at the solver's unary scores and the separation's higher-order ones, or none (NULL); it is left in
   the fresh list. */
HFY_COLD_ hfy_status hfy_theory_ask_(hfy_structure_solver_ *s, const hfy_sep *sep) {
  size_t i;
  hfy_status status;
  for (i = 0; i < s->structure->higher; i++)
    s->raw[i] = !sep ? 0 : sep->transitions ? (double)sep->transitions[i] : sep->transition;
  status = hfy_structure_ready_(s);
  return status ? status : hfy_structure_ask_(s);
}

/* The same at these scores for patterns in and out of the set. */
HFY_COLD_ hfy_status hfy_theory_extreme_(hfy_structure_solver_ *s, const unsigned char *in, double on, double off,
                                         const hfy_sep *sep) {
  size_t i;
  for (i = 0; i < s->structure->unaries; i++) s->unary[i] = in[i] ? on : off;
  return hfy_theory_ask_(s, sep);
}

/* Score of the fresh list at theta and the true higher-order scores: unaries, parts, how many of these are infinite. */
HFY_COLD_ void hfy_theory_score_(const hfy_structure_solver_ *s, const double *theta, double score[3]) {
  size_t i;
  score[0] = 0;
  for (i = 0; i < s->fresh_unaries; i++) score[0] += theta[s->fresh[i]];
  score[1] = hfy_structure_parts_score_(s, SIZE_MAX, score + 2);
}

/* How many of the fresh list's unaries are in the set. */
HFY_COLD_ double hfy_theory_shared_(const hfy_structure_solver_ *s, const unsigned char *in) {
  size_t i, shared = 0;
  for (i = 0; i < s->fresh_unaries; i++) shared += in[s->fresh[i]];
  return (double)shared;
}

HFY_COLD_ hfy_status hfy_theory_fits_(const hfy_net *net, hfy_work *work) {
  const char *not_so = NULL;
  if (hfy_sep_has_bounds_(&net->sep)) not_so = "net->sep has bounds";
  if (net->sep.plus) not_so = "net->sep.plus is set";
  if (net->sep.kind != HFY_SEP_SPARSEMAX && net->sep.kind != HFY_SEP_KSUBSETS &&
      net->sep.kind != HFY_SEP_SEQUENCE_KSUBSETS && net->sep.kind != HFY_SEP_SPARSEMAP)
    not_so = "net->sep.kind has no structure";
  if (net->sep.kind == HFY_SEP_KSUBSETS && floor(net->sep.k) < net->sep.k) not_so = "net->sep.k is not whole";
  if (net->sim != HFY_SIM_DOT) not_so = "net->sim is not HFY_SIM_DOT";
  if (net->values != net->keys || net->value_stride != net->key_stride) not_so = "net->values are not the keys";
  if (net->post.kind != HFY_POST_NONE) not_so = "net->post is not HFY_POST_NONE";
  if (net->self_coupling) not_so = "net->self_coupling is set";
  if (net->bias && net->bias_stride) not_so = "net->bias is one row for each query";
  if (!not_so) return HFY_OK;
  return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "%s; the theorem is about another net", not_so);
}

/* Delta: the best vertex without one of the patterns, for each of them; so all but y are seen. own: y's score. */
HFY_COLD_ hfy_status hfy_theory_gap_(const hfy_net *net, const size_t *patterns, size_t count, const double own[3],
                                     hfy_theory_scratch_ *s, double *separation) {
  hfy_structure_solver_ *solver = &s->solver;
  double other[3], gap;
  size_t i;
  *separation = HUGE_VAL;
  for (i = 0; i < count; i++) {
    hfy_status status;
    memcpy(solver->unary, s->theta, net->count * sizeof *s->theta);
    solver->unary[patterns[i]] = -HUGE_VAL;
    status = hfy_theory_ask_(solver, &net->sep);
    if (status && solver->fault == HFY_STRUCTURE_MASKED_) continue;
    if (status) return status;
    hfy_theory_score_(solver, s->theta, other);
    gap = ((own[0] - other[0]) + (own[1] - other[1])) / net->beta;
    if (own[2] > other[2]) gap = HUGE_VAL;
    if (own[2] < other[2]) gap = -HUGE_VAL;
    if (gap < *separation) *separation = gap;
  }
  return HFY_OK;
}

/* The terms, scratch being ready; in: N flags, 1 for the patterns. */
HFY_COLD_ hfy_status hfy_theory_terms_(const hfy_net *net, const size_t *patterns, size_t count,
                                       const unsigned char *in, hfy_theory_association *a, hfy_theory_scratch_ *s,
                                       hfy_work *work) {
  hfy_structure_solver_ *solver = &s->solver;
  const hfy_sep *sep = &net->sep;
  double own[3], force, largest = 0, step, nearest, square;
  size_t i;
  hfy_status status = hfy_theory_survey_(net, NULL, &square, NULL, s->room, work);
  if (status) return status;
  a->longest = sqrt(square);
  memset(s->query, 0, net->dim * sizeof *s->query);
  for (i = 0; i < count; i++) hfy_linalg_axpy_(1, hfy_theory_key_(net, patterns[i], s->room), s->query, net->dim);
  for (i = 0; i < net->count; i++) {
    s->theta[i] = net->beta * hfy_linalg_dot_(hfy_theory_key_(net, i, s->room), s->query, net->dim) +
                  (net->bias ? (double)net->bias[i] : 0);
    if (net->visible && i >= net->visible[0]) s->theta[i] = -HUGE_VAL;
  }
  solver->rho = sep->rho;
  /* y itself, with its best parts; and whether anything lies above it */
  for (i = 0; i < solver->structure->higher; i++) {
    double t = fabs(sep->transitions ? (double)sep->transitions[i] : sep->transition);
    if (hfy_base_is_finite_(t) && t > largest) largest = t;
  }
  force = 1 + 2 * largest * (double)solver->structure->most;
  status = hfy_theory_extreme_(solver, in, force, -force, sep);
  if (status) return hfy_structure_failed_(work, status, solver);
  if (hfy_theory_shared_(solver, in) < (double)count || solver->fresh_unaries != count)
    return hfy_base_fail_(work, HFY_ERR_ARG, "patterns: these %z are no vertex of the structure", count);
  hfy_theory_score_(solver, s->theta, own);
  if (!hfy_base_is_finite_(own[0] + own[1]))
    return hfy_base_fail_(work, HFY_ERR_ARG, "patterns: one of them is masked");
  status = hfy_theory_extreme_(solver, in, 2 * (double)net->count, 1, NULL);
  if (!status && solver->fresh_unaries > count && !(hfy_theory_shared_(solver, in) < (double)count))
    return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED,
                          "net->sep.structure has a vertex that holds all %z patterns and more", count);
  /* how far vertices may lie from y: the fewest patterns in common, the most unaries that differ */
  if (!status) status = hfy_theory_extreme_(solver, in, -1, 0, NULL);
  a->overlap = 2 * ((double)count - hfy_theory_shared_(solver, in));
  if (!status) status = hfy_theory_extreme_(solver, in, -1, 1, NULL);
  a->distance = (double)count + (double)solver->fresh_unaries - 2 * hfy_theory_shared_(solver, in);
  if (!status) status = hfy_theory_gap_(net, patterns, count, own, s, &a->separation);
  if (status) return hfy_structure_failed_(work, status, solver);
  status = hfy_theory_spectral_(net, s, &square);
  if (status) return hfy_base_fail_(work, status, "QL did not converge on the %z x %z inner products", s->m, s->m);
  a->spectral = sqrt(square);
  a->needed = sep->rho * a->overlap / (2 * net->beta);
  step = sqrt(a->distance) * a->spectral;
  nearest = a->longest * a->distance < step ? a->longest * a->distance : step;
  a->radius = nearest > 0 ? (a->separation - a->needed) / nearest : HUGE_VAL;
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_associates(const hfy_net *net, const size_t *patterns, size_t count,
                                                    hfy_theory_association *association, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_theory_scratch_ s;
  hfy_theory_association result;
  hfy_structure structure;
  hfy_net full;
  unsigned char *in = NULL;
  size_t i;
  hfy_status status = hfy_net_resolve_(net, 1, &full, w);
  if (!status) status = hfy_base_null_(w, !patterns ? "patterns" : !association ? "association" : NULL);
  if (!status) status = hfy_theory_fits_(&full, w);
  if (status) return status;
  if (!count || count > net->count)
    return hfy_base_fail_(w, HFY_ERR_ARG, "count is %z; it should be at least 1 and at most net->count, %z", count,
                          net->count);
  if (full.sep.kind == HFY_SEP_SPARSEMAP)
    structure = *full.sep.structure;
  else if (full.sep.kind == HFY_SEP_SEQUENCE_KSUBSETS)
    structure = hfy_structure_sequence(net->count, (size_t)full.sep.k);
  else
    structure = hfy_structure_ksubsets(net->count, (size_t)full.sep.k);
  status = hfy_structure_check_(&structure, "net->sep.structure->", w);
  if (status) return status;
  s.eigen.simd = hfy_simd_choose_(w);
  if (!s.eigen.simd) return HFY_ERR_UNSUPPORTED;
  while (hfy_base_layout_(&arena, w, &status)) {
    hfy_theory_plan_(&arena, &full, &structure, &s);
    in = HFY_TAKE_(&arena, unsigned char, full.count);
  }
  if (status) return status;
  memset(in, 0, full.count);
  for (i = 0; i < count && !status; i++) {
    if (patterns[i] >= full.count)
      status = hfy_base_fail_(w, HFY_ERR_ARG, "patterns: entry %z is %z; it should be below net->count, %z", i,
                              patterns[i], full.count);
    else if (in[patterns[i]]++)
      status = hfy_base_fail_(w, HFY_ERR_ARG, "patterns: %z is listed twice", patterns[i]);
  }
  if (!status) status = hfy_theory_terms_(&full, patterns, count, in, &result, &s, w);
  if (!status) *association = result;
  return hfy_base_close_(w, &local, status);
}

/* --- metastable states --- */

HFY_API HFY_SMALL_ hfy_status hfy_theory_metastable(const hfy_real *weights, size_t rows, size_t n, double mass,
                                                    size_t *sizes, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  double *sorted = NULL;
  size_t i, j;
  hfy_status status = HFY_OK;
  if (!n) return hfy_base_fail_(w, HFY_ERR_ARG, "n is 0; it should be at least 1");
  if (rows && (!weights || !sizes)) return hfy_base_null_(w, !weights ? "weights" : "sizes");
  if (!(mass >= 0 && mass <= 1)) return hfy_base_should_(w, "", "mass", mass, "above 0 and at most 1, or 0 for 0.9");
  if (!hfy_base_fits_(rows, n, sizeof *weights))
    return hfy_base_fail_(w, HFY_ERR_ARG, "rows is %z: with n %z such an array cannot exist", rows, n);
  while (hfy_base_layout_(&arena, w, &status)) sorted = HFY_TAKE_(&arena, double, n);
  if (status) return status;
  if (!(mass > 0)) mass = 0.9;
  for (j = 0; j < rows; j++) {
    hfy_status one = HFY_OK;
    double sum = 0;
    for (i = 0; i < n; i++) {
      sorted[i] = (double)weights[j * n + i];
      if (sorted[i] < 0 && !one) one = HFY_ERR_ARG;
      if (!hfy_base_is_finite_(sorted[i])) one = HFY_ERR_NONFINITE;
    }
    if (one && !status)
      status = hfy_base_fail_(w, one, "weights: row %z has %s", j,
                              one == HFY_ERR_ARG ? "a negative weight" : "NaN or infinity in it");
    if (one) continue;
    hfy_base_sort_(sorted, n);
    for (i = 0; i < n && sum < mass; i++) sum += sorted[n - 1 - i];
    sizes[j] = i;
  }
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_theory_classify(const size_t *sizes, size_t count, size_t n, int *operating,
                                                  double *median, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  double *sorted = NULL, middle;
  size_t i;
  hfy_status status = HFY_OK;
  if (!sizes || !operating) return hfy_base_null_(w, !sizes ? "sizes" : "operating");
  if (!count || !n) return hfy_base_fail_(w, HFY_ERR_ARG, "%s is 0; it should be at least 1", !count ? "count" : "n");
  for (i = 0; i < count; i++)
    if (sizes[i] > n)
      return hfy_base_fail_(w, HFY_ERR_ARG, "sizes: entry %z is %z, above n, %z", i, sizes[i], n);
  while (hfy_base_layout_(&arena, w, &status)) sorted = HFY_TAKE_(&arena, double, count);
  if (status) return status;
  for (i = 0; i < count; i++) sorted[i] = (double)sizes[i];
  hfy_base_sort_(sorted, count);
  middle = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
  *operating = 2 * middle > (double)n ? 1 : 8 * middle > (double)n ? 2 : 32 * middle > (double)n ? 3 : 4;
  if (median) *median = middle;
  return hfy_base_close_(w, &local, HFY_OK);
}
#endif /* HFY_HAS_THEORY_ */

#ifdef HFY_HAS_RECALL_
/* ------------------------------------------------------------------------------------------------------------------
   >>recall.impl   one item after another
   May call: base, simd, sim, structure, sep, post, net.
   How: the T inner steps are hfy_retrieve's. A call's scratch is its own arrays and the work of the calls it makes:
   what those need is asked of them by calling each with no room. A state changes only once nothing can fail any more.
   Numerics: penalties are large (beta lambda a is 1e5 in the paper), so penalised scores are summed in double and go to
   the separation as distances from the best, where hfy_real is fine. Bounds that rounding leaves short of a sum of 1
   are scaled back to it (math 15). Early returns stand before any scratch is taken: there is nothing to close.
   ------------------------------------------------------------------------------------------------------------------ */

typedef struct hfy_recall_call_ {
  hfy_net net;    /* the inner steps', defaults filled in */
  hfy_recall how; /* likewise */
  double beta;    /* of the penalised step */
} hfy_recall_call_;

/* Is pattern i there for the query? */
HFY_PRIVATE_ int hfy_recall_sees_(const hfy_net *net, size_t i) {
  return (!net->visible || i < net->visible[0]) && !(net->bias && hfy_base_is_neg_inf_((double)net->bias[i]));
}

/* A member of how: 0 becomes its default; else it should be above 0 (or at least `least`), at most `most`, finite. */
HFY_COLD_ hfy_status hfy_recall_member_(const char *name, double *value, double least, double most, double standard,
                                        hfy_work *work) {
  const double x = *value = hfy_base_default_(*value, standard);
  if (x > 0 && x >= least && x <= most && hfy_base_is_finite_(x)) return HFY_OK;
  return hfy_base_fail_(work, HFY_ERR_ARG, "how->%s is %g; it should be %s%s and finite, or 0 for the default", name, x,
                        least > 0 ? "at least 1" : "above 0", most < 2 ? ", at most 1" : "");
}

/* Checks net and how, fills in the defaults. Takes no scratch. */
HFY_COLD_ hfy_status hfy_recall_resolve_(const hfy_net *net, const hfy_recall *how, hfy_recall_call_ *call,
                                         hfy_work *work) {
  const char *member;
  hfy_net used;
  hfy_status status;
  size_t i, seen = 0;
  if (!net || !how) return hfy_base_null_(work, !net ? "net" : "how");
  if ((unsigned)how->kind > HFY_RECALL_SEQUENTIAL)
    return hfy_base_fail_(work, HFY_ERR_ARG, "how->kind is %z; it should be one of hfy_recall_kind", (size_t)how->kind);
  call->how = *how;
  if (!how->inner_steps) call->how.inner_steps = 20;
  if (hfy_recall_member_("penalty", &call->how.penalty, 0, HUGE_VAL, 1e9, work) ||
      hfy_recall_member_("decay", &call->how.decay, 0, 1, 1e-3, work) ||
      hfy_recall_member_("transition", &call->how.transition, 0, HUGE_VAL, 1e8, work) ||
      hfy_recall_member_("boost", &call->how.boost, 1, HUGE_VAL, 1.1, work) ||
      hfy_recall_member_("rho", &call->how.rho, 0, HUGE_VAL, 1, work) ||
      hfy_recall_member_("inner_beta", &call->how.inner_beta, 0, HUGE_VAL, 1, work))
    return HFY_ERR_ARG;
  used = *net;
  used.max_steps = call->how.inner_steps;
  if (how->kind == HFY_RECALL_BOUNDED) {
    memset(&used.sep, 0, sizeof used.sep);
    used.sep.kind = HFY_SEP_SPARSEMAX;
  }
  member = net->readout ? "readout" : net->self_coupling ? "self_coupling" : NULL;
  if (!member && net->step > 0 && net->step < 1) member = "step";
  if (member) return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED, "net->%s is set; recall is done without", member);
  if (!hfy_sep_has_sum_(&used.sep) || used.sep.plus)
    return hfy_base_fail_(work, HFY_ERR_UNSUPPORTED,
                          "net->sep should share out weights of a fixed sum: no IDENTITY, POWER, EXP or plus");
  status = hfy_net_resolve_(&used, 1, &call->net, work);
  if (status) return status;
  call->beta = call->net.beta;
  if (how->kind != HFY_RECALL_SEQUENTIAL) return HFY_OK;
  call->net.beta = call->how.inner_beta;
  for (i = 0; i < net->count && seen < 2; i++) seen += (size_t)hfy_recall_sees_(net, i);
  if (seen == 2) return HFY_OK;
  return hfy_base_fail_(work, HFY_ERR_ARG,
                        "net: %z patterns that are not masked; sequential recall takes 2 at a time", seen);
}

/* The same, and the arrays of state. missing: an argument that is NULL, or NULL. */
HFY_COLD_ hfy_status hfy_recall_open_(const hfy_net *net, const hfy_recall *how, const hfy_recall_state *state,
                                      const char *missing, hfy_recall_call_ *call, hfy_work *work) {
  const hfy_status status = hfy_recall_resolve_(net, how, call, work);
  if (status) return status;
  return hfy_base_null_(work, !state            ? "state"
                              : !state->left    ? "state->left"
                              : !state->query   ? "state->query"
                              : !state->weights ? "state->weights"
                                                : missing);
}

/* T inner steps from z to `out`; p: the weights of the last. */
HFY_COLD_ hfy_status hfy_recall_walk_(const hfy_net *net, const hfy_real *z, hfy_real *out, hfy_real *p, hfy_work *w) {
  hfy_report report;
  memset(&report, 0, sizeof report);
  report.weights = p;
  return hfy_retrieve(net, z, 1, out, &report, w);
}

HFY_API HFY_SMALL_ hfy_status hfy_recall_begin(const hfy_net *net, const hfy_recall *how, const hfy_real *cue,
                                               hfy_recall_state *state, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_recall_call_ call;
  hfy_status status = hfy_recall_open_(net, how, state, !cue ? "cue" : NULL, &call, w);
  size_t i;
  if (status) return status;
  for (i = 0; i < net->dim; i++)
    if (!hfy_base_is_finite_((double)cue[i]))
      return hfy_base_fail_(w, HFY_ERR_NONFINITE, "cue: NaN or infinity in element %z", i);
  if (call.how.kind == HFY_RECALL_SEQUENTIAL && !how->bare_cue) { /* as if it had come as the second of its pair */
    status = hfy_recall_walk_(&call.net, cue, state->query, state->weights, w);
    for (i = 0; !status && i < net->count; i++) {
      double p = (double)state->weights[i], pair = p;
      if (i + 1 < net->count) pair += (double)state->weights[i + 1];
      state->left[i] = call.how.decay * (pair - call.how.boost * p);
    }
  } else {
    for (i = 0; i < net->count; i++) state->left[i] = call.how.kind == HFY_RECALL_BOUNDED;
    for (i = 0; i < net->count; i++) state->weights[i] = 0;
    memmove(state->query, cue, net->dim * sizeof *cue);
  }
  if (!status) state->recalled = 0;
  if (!status) state->exhausted = 0;
  return hfy_base_close_(w, &local, status);
}

/* A work in this room; with none, a call says in `peak` what it needs and does nothing else. */
HFY_COLD_ hfy_work hfy_recall_inner_(const hfy_work *work, void *room, size_t bytes) {
  hfy_work inner;
  memset(&inner, 0, sizeof inner);
  inner.buffer = room;
  inner.capacity = bytes;
  inner.isa = work->isa;
  return inner;
}

/* Bytes that the inner calls of an item need, whatever the state. */
HFY_COLD_ hfy_status hfy_recall_need_(const hfy_recall_call_ *call, size_t *bytes, hfy_work *work) {
  hfy_base_arena_ alone = {NULL, 0, 0};
  hfy_real none_read = 0; /* there is no room */
  hfy_net net = call->net;
  hfy_work none = hfy_recall_inner_(work, &alone, 0);
  hfy_status said;
  if (call->how.kind == HFY_RECALL_BOUNDED) net.sep.kind = HFY_SEP_KSUBSETS; /* a box too, but needs no array */
  said = hfy_recall_walk_(&net, &none_read, &none_read, &none_read, &none);
  if (said != HFY_ERR_NOMEM) return hfy_base_fail_(work, said, "%s", none.message);
  *bytes = none.peak;
  if (call->how.kind == HFY_RECALL_BOUNDED) /* the bounds' own two arrays */
    *bytes = hfy_base_plus_(*bytes, hfy_base_times_(net.count + 8, 2 * sizeof(double)));
  if (call->how.kind == HFY_RECALL_SEQUENTIAL) {
    const hfy_structure pairs = hfy_structure_sequence(net.count, 2);
    hfy_structure_solver_ solver;
    hfy_structure_plan_(&alone, &pairs, hfy_structure_room_(&pairs), &solver);
    if (hfy_base_plus_(alone.used, 63) > *bytes) *bytes = hfy_base_plus_(alone.used, 63);
  }
  return HFY_OK;
}

/* Algorithm 1, an item: everything happens in the state's own arrays, which a failed retrieval leaves alone. */
HFY_COLD_ hfy_status hfy_recall_bounded_(hfy_recall_call_ *call, hfy_recall_state *state, hfy_work *w) {
  hfy_status status;
  double mass = 0;
  size_t i, seen = 0, n = call->net.count;
  for (i = 0; i < n; i++) {
    if (!hfy_recall_sees_(&call->net, i)) continue;
    mass += state->left[i];
    seen++;
  }
  state->exhausted = seen && !(mass >= 0.5); /* whole items have been taken: 1 is left, or nothing, but for rounding */
  if (state->exhausted) return HFY_OK;
  call->net.sep.upper = state->left;
  status = hfy_recall_walk_(&call->net, state->query, state->query, state->weights, w);
  if (status) return status;
  for (i = 0, mass = 0; i < n; i++) {
    double left = state->left[i] - (double)state->weights[i];
    state->left[i] = left > 0 ? left : 0;
    if (hfy_recall_sees_(&call->net, i)) mass += state->left[i];
  }
  for (i = 0; mass >= 0.5 && mass < 1 && i < n; i++) state->left[i] /= mass;
  return HFY_OK;
}

typedef struct hfy_recall_scratch_ { /* what a penalised item works in */
  double *score;       /* N: beta sim + bias - beta lambda a */
  double *weight;      /* N: y, the penalised step's weights */
  double *part;        /* N - 1, SEQUENTIAL: t */
  double *inverse;     /* N, COSINE: 1/|x_i| */
  hfy_real *theta, *p; /* N: scores; weights */
  hfy_real *z;         /* D: the state */
  void *room;          /* of the calls that are made */
  hfy_sep_scratch_ sep;
  hfy_post_scratch_ post;
} hfy_recall_scratch_;

/* The penalised step: s->weight, and s->z the state it leads to. */
HFY_COLD_ hfy_status hfy_recall_step_(const hfy_recall_call_ *call, const hfy_recall_state *state,
                                      const hfy_simd_ *simd, hfy_recall_scratch_ *s, hfy_work *inner, hfy_work *work) {
  const hfy_net *net = &call->net;
  double inverse_q = 1, top = -HUGE_VAL;
  size_t i, n = net->count;
  hfy_sim_rows_ x = {net->keys, net->key_stride, n, s->inverse}, q = {state->query, net->dim, 1, &inverse_q};
  hfy_status status;
  if (net->sim == HFY_SIM_COSINE) {
    hfy_sim_inverse_norms_(simd, net->keys, net->key_stride, n, net->dim, s->inverse);
    hfy_sim_inverse_norms_(simd, state->query, net->dim, 1, net->dim, &inverse_q);
  }
  hfy_sim_tile_(simd, net->sim, call->beta, &x, &q, net->dim, s->theta, n);
  for (i = 0; i < n; i++) { /* the penalised scores */
    s->score[i] = -HUGE_VAL;
    if (!hfy_recall_sees_(net, i)) continue;
    s->score[i] = (double)s->theta[i] + (net->bias ? (double)net->bias[i] : 0) -
                  call->beta * call->how.penalty * state->left[i];
    if (!hfy_base_is_finite_(s->score[i]))
      return hfy_base_fail_(work, HFY_ERR_NONFINITE, "pattern %z: its penalised score is not finite", i);
    if (s->score[i] > top) top = s->score[i];
  }
  if (call->how.kind == HFY_RECALL_SEQUENTIAL) {
    hfy_structure pairs = hfy_structure_sequence(n, 2);
    hfy_structure_answer answer;
    memset(&answer, 0, sizeof answer);
    answer.unary = s->weight;
    for (i = 0; i + 1 < n; i++) s->part[i] = call->how.transition;
    for (i = 0; i < n; i++) s->score[i] -= top; /* the same for every pair: changes nothing but rounding */
    status = hfy_structure_solve(&pairs, call->how.rho, s->score, s->part, &answer, inner);
    if (status) return hfy_base_fail_(work, status, "%s", inner->message);
    for (i = 0; i < n; i++) s->p[i] = (hfy_real)s->weight[i];
  } else {
    for (i = 0; i < n; i++) s->theta[i] = (hfy_real)(s->score[i] > -HUGE_VAL ? s->score[i] - top : s->score[i]);
    status = hfy_sep_fill_(&net->sep, s->theta, n, 0, s->p, NULL, &s->sep);
    if (status) return hfy_sep_row_failed_(work, status, "query", 0, s->theta, n, NULL);
    for (i = 0; i < n; i++) s->weight[i] = (double)s->p[i];
  }
  hfy_net_zero_(s->z, net->dim);
  simd->combine(s->p, n, 1, net->values, net->value_stride, n, net->dim, s->z, net->dim);
  if (call->how.kind == HFY_RECALL_SEQUENTIAL) {
    for (i = 0; i < net->dim; i++) s->z[i] -= state->query[i];
    return HFY_OK;
  }
  status = hfy_post_row_(&net->post, s->z, 0, state->query, net->dim, s->z, &s->post);
  return status ? hfy_base_fail_(work, status, "the penalised step: its state has no post-transformation") : HFY_OK;
}

/* Algorithms 2 and 3, an item. */
HFY_COLD_ hfy_status hfy_recall_penalised_(const hfy_recall_call_ *call, hfy_recall_state *state, hfy_work *work) {
  const hfy_net *net = &call->net;
  const hfy_simd_ *simd = hfy_simd_choose_(work);
  const int sequence = call->how.kind == HFY_RECALL_SEQUENTIAL;
  const double tau = call->how.decay;
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_recall_scratch_ s;
  hfy_work inner;
  size_t i, n = net->count, room = 0;
  hfy_status status = simd ? hfy_recall_need_(call, &room, work) : HFY_ERR_UNSUPPORTED;
  while (hfy_base_layout_(&arena, work, &status)) {
    s.score = HFY_TAKE_(&arena, double, n);
    s.weight = HFY_TAKE_(&arena, double, n);
    s.part = HFY_TAKE_(&arena, double, sequence ? n - 1 : 0);
    s.inverse = HFY_TAKE_(&arena, double, net->sim == HFY_SIM_COSINE ? n : 0);
    s.theta = HFY_TAKE_(&arena, hfy_real, n);
    s.p = HFY_TAKE_(&arena, hfy_real, n);
    s.z = HFY_TAKE_(&arena, hfy_real, net->dim);
    s.room = hfy_base_take_(&arena, room, 1);
    if (!sequence) hfy_sep_plan_(&arena, simd, &net->sep, n, 0, &s.sep);
    hfy_post_plan_(&arena, &net->post, net->dim, 0, &s.post);
  }
  if (status) return status;
  inner = hfy_recall_inner_(work, s.room, room);
  status = hfy_recall_step_(call, state, simd, &s, &inner, work);
  if (status) return status;
  status = hfy_recall_walk_(net, s.z, s.z, s.p, &inner);
  if (status) return hfy_base_fail_(work, status, "%s", inner.message);
  for (i = 0; i < n; i++) {
    const double taken = sequence ? s.weight[i] - call->how.boost * (double)s.p[i] : s.weight[i];
    state->left[i] = tau * taken + (1 - tau) * state->left[i];
  }
  memcpy(state->weights, s.p, n * sizeof *s.p);
  memcpy(state->query, s.z, net->dim * sizeof *s.z);
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_recall_next(const hfy_net *net, const hfy_recall *how, hfy_recall_state *state,
                                              size_t *item, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_recall_call_ call;
  hfy_status status = hfy_recall_open_(net, how, state, !item ? "item" : NULL, &call, w);
  size_t i, heaviest = 0;
  if (status) return status;
  status = call.how.kind == HFY_RECALL_BOUNDED ? hfy_recall_bounded_(&call, state, w)
                                               : hfy_recall_penalised_(&call, state, w);
  for (i = 0; i < net->count; i++)
    if (state->weights[i] > state->weights[heaviest]) heaviest = i;
  if (!status) state->recalled += !state->exhausted;
  if (!status) *item = state->exhausted ? SIZE_MAX : heaviest;
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_recall_all(const hfy_net *net, const hfy_recall *how, const hfy_real *cue,
                                             size_t count, size_t *items, size_t *made, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local), inner;
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_recall_call_ call;
  hfy_recall_state state;
  void *room = NULL;
  size_t i, bytes = 0;
  hfy_status status = hfy_recall_resolve_(net, how, &call, w);
  memset(&state, 0, sizeof state);
  if (!status) status = hfy_recall_need_(&call, &bytes, w);
  if (!status) status = hfy_base_null_(w, !cue ? "cue" : !items ? "items" : NULL);
  if (status) return status;
  if (call.how.kind != HFY_RECALL_BOUNDED) { /* an item's own arrays, too */
    inner = hfy_recall_inner_(w, &arena, 0);
    (void)hfy_recall_penalised_(&call, &state, &inner);
    bytes = inner.peak;
  }
  while (hfy_base_layout_(&arena, w, &status)) {
    state.left = HFY_TAKE_(&arena, double, net->count);
    state.query = HFY_TAKE_(&arena, hfy_real, net->dim);
    state.weights = HFY_TAKE_(&arena, hfy_real, net->count);
    room = hfy_base_take_(&arena, bytes, 1);
  }
  if (status) return status;
  inner = hfy_recall_inner_(w, room, bytes);
  status = hfy_recall_begin(net, how, cue, &state, &inner);
  for (i = 0; !status && i < (count ? count : net->count); i++)
    status = hfy_recall_next(net, how, &state, items + i, &inner);
  if (made) *made = state.recalled;
  if (status) hfy_base_fail_(w, status, "%s", inner.message);
  return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_recall_unique(const size_t *items, size_t count, size_t n, double *ratio, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  unsigned char *seen = NULL;
  size_t i, distinct = 0;
  hfy_status status = HFY_OK;
  if (!ratio || (count && !items)) return hfy_base_null_(w, !ratio ? "ratio" : "items");
  if (!n) return hfy_base_fail_(w, HFY_ERR_ARG, "n is 0; it should be at least 1");
  for (i = 0; i < count; i++)
    if (items[i] >= n && items[i] != SIZE_MAX)
      return hfy_base_fail_(w, HFY_ERR_ARG, "items: entry %z is %z; it should be below n, %z, or SIZE_MAX", i,
                            items[i], n);
  while (hfy_base_layout_(&arena, w, &status)) seen = HFY_TAKE_(&arena, unsigned char, n);
  if (status) return status;
  memset(seen, 0, n);
  for (i = 0; i < count; i++) {
    if (items[i] == SIZE_MAX) continue;
    distinct += !seen[items[i]];
    seen[items[i]] = 1;
  }
  *ratio = (double)distinct / (double)n;
  return hfy_base_close_(w, &local, HFY_OK);
}

HFY_API hfy_status hfy_recall_levenshtein(const size_t *items, size_t count, const size_t *reference,
                                          size_t n_reference, size_t *distance, double *coefficient, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  size_t *row = NULL, i, j;
  hfy_status status = HFY_OK;
  if (!items || (n_reference && !reference)) return hfy_base_null_(w, !items ? "items" : "reference");
  if (!count) return hfy_base_fail_(w, HFY_ERR_ARG, "count is 0; it should be at least 1");
  while (hfy_base_layout_(&arena, w, &status)) row = HFY_TAKE_(&arena, size_t, hfy_base_plus_(n_reference, 1));
  if (status) return status;
  for (j = 0; j <= n_reference; j++) row[j] = j;
  for (i = 0; i < count; i++) { /* row: distances of the first i items from every beginning of the reference */
    size_t corner = row[0];
    row[0] = i + 1;
    for (j = 0; j < n_reference; j++) {
      size_t best = corner + (items[i] != reference[j]);
      best = hfy_base_min_(best, hfy_base_min_(row[j], row[j + 1]) + 1);
      corner = row[j + 1];
      row[j + 1] = best;
    }
  }
  if (distance) *distance = row[n_reference];
  if (coefficient) *coefficient = 1 - (double)row[n_reference] / (double)count;
  return hfy_base_close_(w, &local, HFY_OK);
}

HFY_API hfy_status hfy_recall_bias(double forget, size_t first, size_t rows, size_t n, hfy_real *bias, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  size_t i, j;
  if (!n || !first || first > n)
    return hfy_base_fail_(w, HFY_ERR_ARG, "first is %z and n %z; they should be at least 1, first at most n", first, n);
  if (!(forget >= 0 && hfy_base_is_finite_(forget)))
    return hfy_base_should_(w, "", "forget", forget, "at least 0 and finite");
  if (!hfy_base_fits_(rows, n, sizeof *bias))
    return hfy_base_fail_(w, HFY_ERR_ARG, "rows is %z: with n %z such an array cannot exist", rows, n);
  if (rows && !bias) return hfy_base_null_(w, "bias");
  for (j = 0; j < rows; j++) {
    size_t seen = j < n - first ? first + j : n;
    for (i = 0; i < n; i++)
      bias[j * n + i] = i < seen ? (hfy_real)(0 - forget * (double)(seen - 1 - i)) : -(hfy_real)HUGE_VAL;
  }
  return HFY_OK;
}

#endif /* HFY_HAS_RECALL_ */

#ifdef HFY_HAS_BINARY_
/* ------------------------------------------------------------------------------------------------------------------
   >>binary.impl   memories of +1 and -1
   May call: base, simd, linalg, net (its types).
   How: a state's dots with the patterns, b_i = x_i.q, are whole numbers and are kept up to date, +-2 a flip. What bit j
   would gain by being +1 (MHN eq. A530) is
       T_j = sum over i of F(x_ij + h_ij) - F(-x_ij + h_ij) = sum of x_ij G(h_ij),   h_ij = b_i - x_ij q_j,
       G(h) = F(h + 1) - F(h - 1), a table over whole numbers.
   Numerics: powers are taken of h / s, s a power of two just above what occurs, so no term overflows and the
   largest is above 2^-degree; where whole numbers fit in 53 bits s = 1 and the sum is exact, ties included. For F = e^a
   G is 2 sinh(1) e^h; only the sign is used, so e^(h - top) replaces it.
   ------------------------------------------------------------------------------------------------------------------ */
#define HFY_BINARY_EXPS_ 746 /* e^-746 is 0 */

/* --- what the kernel memories use as well --- */

HFY_COLD_ double hfy_binary_power_(double x, double degree) {
  unsigned n = (unsigned)degree;
  double y = 1;
  for (; n; n >>= 1, x *= x)
    if (n & 1) y *= x;
  return y;
}

HFY_COLD_ hfy_status hfy_binary_one_of_(const char *name, unsigned value, unsigned last, const char *of, hfy_work *w) {
  if (value <= last) return HFY_OK;
  return hfy_base_fail_(w, HFY_ERR_ARG, "%s is %z; it should be one of hfy_%s", name, (size_t)value, of);
}

HFY_COLD_ hfy_status hfy_binary_check_signs_(const hfy_real *x, size_t rows, size_t dim, size_t stride,
                                             const char *name, hfy_work *w) {
  size_t i, j;
  for (i = 0; i < rows; i++)
    for (j = 0; j < dim; j++) {
      const double v = (double)x[i * stride + j];
      if (!(fabs(v) >= 1 && fabs(v) <= 1))
        return hfy_base_fail_(w, HFY_ERR_ARG, "%s[%z][%z] is %g; it should be +1 or -1", name, i, j, v);
    }
  return HFY_OK;
}

/* X <- G^+ X for an n x n Gram matrix G and n x m X. */
typedef struct hfy_binary_pinv_ {
  hfy_linalg_symmetric_ eigen;
  size_t m;
  double *values, *vectors, *turned, *gemm; /* n, n x n, n x m */
} hfy_binary_pinv_;

HFY_COLD_ void hfy_binary_plan_pinv_(hfy_base_arena_ *arena, const hfy_simd_ *simd, size_t n, size_t m,
                                     hfy_binary_pinv_ *s) {
  hfy_linalg_symmetric_plan_(arena, n, 1, &s->eigen);
  s->eigen.simd = simd;
  s->m = m;
  s->values = HFY_TAKE_(arena, double, n);
  s->vectors = HFY_TAKE_(arena, double, hfy_base_times_(n, n));
  s->turned = HFY_TAKE_(arena, double, hfy_base_times_(n, m));
  s->gemm = HFY_TAKE_(arena, double, hfy_linalg_gemm_scratch_(n, m, n, sizeof(double)));
}

/* G is lost. Eigenvalues up to `cut` times the largest count as 0. */
HFY_PRIVATE_ hfy_status hfy_binary_pinv_run_(hfy_binary_pinv_ *s, double *gram, double *x, double cut) {
  const hfy_status status = hfy_linalg_symmetric_run_(&s->eigen, gram, s->values, s->vectors);
  if (!status) (void)hfy_linalg_symmetric_pinv_(&s->eigen, s->values, cut, s->m, x, s->turned, x, s->gemm);
  return status;
}

/* --- rules --- */

HFY_COLD_ hfy_status hfy_binary_check_rows_(const hfy_real *x, size_t rows, size_t dim, size_t stride,
                                            const char *name, hfy_work *w) {
  size_t i, j;
  if (!rows || !dim)
    return hfy_base_fail_(w, HFY_ERR_ARG, "count is %z and dim %z; both should be at least 1", rows, dim);
  if (stride && stride < dim)
    return hfy_base_fail_(w, HFY_ERR_ARG, "stride is %z; it should be 0 or at least dim, %z", stride, dim);
  if (!stride) stride = dim;
  if (!hfy_base_fits_(rows, stride, sizeof(double)) || !hfy_base_fits_(dim, dim, sizeof(double)) ||
      !hfy_base_fits_(rows, rows, sizeof(double)))
    return hfy_base_fail_(w, HFY_ERR_ARG, "count %z and dim %z: an array of that size cannot exist", rows, dim);
  if (!x) return hfy_base_null_(w, name);
  for (i = 0; i < rows; i++)
    for (j = 0; j < dim; j++)
      if (!hfy_base_is_finite_((double)x[i * stride + j]))
        return hfy_base_fail_(w, HFY_ERR_NONFINITE, "%s holds NaN or infinity in row %z", name, i);
  return HFY_OK;
}

/* The weights are X^T dual. */
typedef struct hfy_binary_rules_ {
  const hfy_simd_ *simd;
  double *x, *dual;           /* count x dim: the patterns; themselves, or the rows of (X^+)^T = (X X^T)^+ X */
  double *gram, *sum, *gemm;  /* count x count, dim x dim */
  hfy_binary_pinv_ pinv;
} hfy_binary_rules_;

/* Checks all but the outputs, fills x and dual. square: is sum wanted? */
HFY_COLD_ hfy_status hfy_binary_dual_(hfy_binary_rule rule, const hfy_real *patterns, size_t count, size_t dim,
                                      size_t stride, int square, hfy_binary_rules_ *s, hfy_work *w) {
  const size_t most = count > dim ? count : dim;
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_status status;
  memset(s, 0, sizeof *s);
  s->simd = hfy_simd_choose_(w);
  if (!s->simd) return HFY_ERR_UNSUPPORTED;
  status = hfy_binary_one_of_("rule", rule, HFY_BINARY_PSEUDO_INVERSE, "binary_rule", w);
  if (!status) status = hfy_binary_check_rows_(patterns, count, dim, stride, "patterns", w);
  while (hfy_base_layout_(&arena, w, &status)) {
    s->x = s->dual = HFY_TAKE_(&arena, double, count * dim);
    s->sum = HFY_TAKE_(&arena, double, square ? dim * dim : 0);
    s->gemm = HFY_TAKE_(&arena, double, hfy_linalg_gemm_scratch_(most, most, most, sizeof(double)));
    if (rule == HFY_BINARY_HEBBIAN) continue;
    s->dual = HFY_TAKE_(&arena, double, count * dim);
    s->gram = HFY_TAKE_(&arena, double, count * count);
    hfy_binary_plan_pinv_(&arena, s->simd, count, dim, &s->pinv);
  }
  if (status) return status;
  (void)hfy_linalg_widen_(patterns, stride ? stride : dim, count, dim, s->x);
  if (rule == HFY_BINARY_HEBBIAN) return HFY_OK;
  hfy_linalg_gram_(s->simd, count, dim, hfy_linalg_rows_(s->x, dim), s->gram, s->gemm);
  memcpy(s->dual, s->x, count * dim * sizeof(double));
  if (!hfy_binary_pinv_run_(&s->pinv, s->gram, s->dual, 1e-12 * (double)count)) return HFY_OK;
  return hfy_base_fail_(w, HFY_ERR_CONVERGENCE, "QL did not converge on the %z x %z dots of the patterns", count,
                        count);
}

HFY_API hfy_status hfy_binary_weights(hfy_binary_rule rule, const hfy_real *patterns, size_t count, size_t dim,
                                      size_t stride, int self_coupling, hfy_real *weights, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_binary_rules_ s;
  size_t i;
  hfy_status status = hfy_base_null_(w, !weights ? "weights" : NULL);
  if (!status) status = hfy_binary_dual_(rule, patterns, count, dim, stride, 1, &s, w);
  if (!status) {
    hfy_linalg_multiply_(s.simd, dim, dim, count, hfy_linalg_turned_(s.x, dim), hfy_linalg_rows_(s.dual, dim),
                         hfy_linalg_set_(s.sum, dim), s.gemm);
    for (i = 0; i < dim * dim; i++) weights[i] = (hfy_real)s.sum[i];
    for (i = 0; !self_coupling && i < dim; i++) weights[i * dim + i] = 0;
  }
  return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_binary_net(hfy_binary_rule rule, const hfy_real *patterns, size_t count, size_t dim,
                                  size_t stride, hfy_real *keys, hfy_real *coupling, hfy_net *net, hfy_work *work) {
  const int inverse = rule == HFY_BINARY_PSEUDO_INVERSE;
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_binary_rules_ s;
  size_t i, j;
  hfy_status status = hfy_base_null_(w, !net ? "net" : inverse && !keys ? "keys" : NULL);
  if (!status) status = hfy_binary_dual_(rule, patterns, count, dim, stride, 0, &s, w);
  if (!status) {
    memset(net, 0, sizeof *net);
    net->dim = dim;
    net->count = count;
    net->keys = inverse ? keys : patterns;
    net->key_stride = inverse ? dim : stride;
    net->values = inverse ? patterns : NULL;
    net->value_stride = inverse ? stride : 0;
    for (i = 0; inverse && i < count * dim; i++) keys[i] = (hfy_real)s.dual[i];
    for (j = 0; coupling && j < dim; j++) { /* the diagonal of the weights */
      double sum = 0;
      for (i = 0; i < count; i++) sum += s.x[i * dim + j] * s.dual[i * dim + j];
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

typedef struct hfy_binary_slot_ { /* what one worker needs for one query */
  signed char *q, *next, *before; /* dim */
  int32_t *dot;                   /* count */
  double *table;                  /* G, or e^-k */
  size_t *order;                  /* dim */
  long scale;                     /* powers: what the table was made for */
  int cycle;
} hfy_binary_slot_;

typedef struct hfy_binary_run_ {
  hfy_binary m; /* defaults filled in */
  size_t n, tasks;
  int exact; /* no power is rounded */
  const hfy_real *queries;
  hfy_real *out;
  hfy_binary_report report;
  signed char *columns; /* dim x count */
  hfy_binary_slot_ *slot;
} hfy_binary_run_;

/* F(a) / s^degree: powers only. */
HFY_COLD_ double hfy_binary_f_(const hfy_binary_run_ *run, double a, double s) {
  if (run->m.kind == HFY_BINARY_RECTIFIED && a < 0) return 0;
  return hfy_binary_power_(a / s, run->m.degree);
}

/* A power of two at or above x >= 1. */
HFY_COLD_ long hfy_binary_above_(long x) {
  long s = 1;
  while (s < x) s *= 2;
  return s;
}

/* Makes the table of G fit the dots of now (math 16.1), and returns what EXP counts down from. */
HFY_PRIVATE_ int32_t hfy_binary_ready_(const hfy_binary_run_ *run, hfy_binary_slot_ *slot) {
  int32_t most = INT32_MIN, least = INT32_MAX;
  long dim = (long)run->m.dim, h, s;
  size_t i;
  for (i = 0; i < run->m.count; i++) {
    if (slot->dot[i] > most) most = slot->dot[i];
    if (slot->dot[i] < least) least = slot->dot[i];
  }
  if (run->m.kind == HFY_BINARY_EXP) return most + 1;
  if (run->m.kind == HFY_BINARY_RECTIFIED) least = 0;
  s = run->exact ? 1 : hfy_binary_above_((most > -least ? most : -(long)least) + 2);
  if (s == slot->scale) return 0;
  slot->scale = s;
  for (h = -dim; h <= dim; h++) { /* beyond s there is nothing to look up, and it could overflow */
    double over = (double)(run->exact ? h : h < -s ? -s : h > s ? s : h);
    slot->table[h + dim] = hfy_binary_f_(run, over + 1, (double)s) - hfy_binary_f_(run, over - 1, (double)s);
  }
  return 0;
}

/* T_j up to a positive factor. */
HFY_PRIVATE_ double hfy_binary_drive_(const hfy_binary_run_ *run, const hfy_binary_slot_ *slot, size_t j, int32_t top) {
  const size_t n = run->m.count, dim = run->m.dim;
  const int32_t own = slot->q[j];
  const signed char *x;
  const double *g;
  double sum = 0;
  size_t i;
  if (run->m.kind == HFY_BINARY_WEIGHTS) { /* four sums side by side */
    const hfy_real *row = run->m.weights + j * dim;
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (i = 0; i + 4 <= dim; i += 4) {
      s0 += (double)row[i] * slot->q[i];
      s1 += (double)row[i + 1] * slot->q[i + 1];
      s2 += (double)row[i + 2] * slot->q[i + 2];
      s3 += (double)row[i + 3] * slot->q[i + 3];
    }
    for (; i < dim; i++) s0 += (double)row[i] * slot->q[i];
    return (s0 + s1) + (s2 + s3);
  }
  x = run->columns + j * n;
  if (run->m.kind != HFY_BINARY_EXP) {
    g = slot->table + dim;
    for (i = 0; i < n; i++) sum += x[i] * g[slot->dot[i] - x[i] * own];
    return sum;
  }
  for (i = 0; i < n; i++) {
    int32_t under = top - (slot->dot[i] - x[i] * own);
    if (under < HFY_BINARY_EXPS_) sum += x[i] * slot->table[under];
  }
  return sum;
}

HFY_COLD_ void hfy_binary_dots_(const hfy_binary_run_ *run, hfy_binary_slot_ *slot) {
  const size_t n = run->m.count;
  size_t i, j;
  if (run->m.kind == HFY_BINARY_WEIGHTS) return;
  memset(slot->dot, 0, n * sizeof *slot->dot);
  for (j = 0; j < run->m.dim; j++) {
    const signed char *x = run->columns + j * n;
    const int32_t own = slot->q[j];
    for (i = 0; i < n; i++) slot->dot[i] += x[i] * own;
  }
}

/* E and ln(-E) of the slot's state, into the report. */
HFY_COLD_ void hfy_binary_note_(const hfy_binary_run_ *run, const hfy_binary_slot_ *slot, size_t at) {
  const hfy_binary *m = &run->m;
  double sum = 0, shift = 0, factor = 1, top = -HUGE_VAL, s = 1; /* -E = sum factor, factor = e^shift */
  size_t i;
  if (!run->report.energy && !run->report.log_energy) return;
  for (i = 0; m->kind == HFY_BINARY_WEIGHTS && i < m->dim; i++)
    sum += 0.5 * slot->q[i] * hfy_binary_drive_(run, slot, i, 0);
  for (i = 0; m->kind != HFY_BINARY_WEIGHTS && i < m->count; i++) {
    const double d = (double)slot->dot[i], size = m->kind == HFY_BINARY_POWER ? fabs(d) : d;
    if (size > top) top = size;
  }
  if (m->kind == HFY_BINARY_EXP) {
    for (i = 0; i < m->count; i++) sum += exp((double)slot->dot[i] - top);
    shift = top;
    factor = exp(top);
  } else if (m->kind != HFY_BINARY_WEIGHTS) {
    if (!run->exact && top > 1) s = (double)hfy_binary_above_((long)top);
    for (i = 0; i < m->count; i++) sum += hfy_binary_f_(run, (double)slot->dot[i], s);
    shift = m->degree * log(s);
    factor = hfy_binary_power_(s, m->degree);
  }
  if (run->report.log_energy)
    run->report.log_energy[at] = sum > 0 ? log(sum) + shift : sum < 0 ? hfy_base_nan_() : -HUGE_VAL;
  if (run->report.energy)
    run->report.energy[at] = factor <= DBL_MAX ? -sum * factor
                             : sum > 0         ? -exp(log(sum) + shift)
                             : sum < 0         ? exp(log(-sum) + shift)
                                               : 0;
}

/* One sweep: how many bits changed. */
HFY_PRIVATE_ size_t hfy_binary_sweep_(const hfy_binary_run_ *run, hfy_binary_slot_ *slot, hfy_rng *rng) {
  const hfy_binary *m = &run->m;
  size_t flips = 0, i, l;
  int32_t top = m->kind == HFY_BINARY_WEIGHTS ? 0 : hfy_binary_ready_(run, slot);
  if (m->order == HFY_BINARY_SYNCHRONOUS) {
    for (i = 0; i < m->dim; i++) {
      const double t = hfy_binary_drive_(run, slot, i, top);
      slot->next[i] = (signed char)(t > 0 ? 1 : t < 0 ? -1 : slot->q[i]);
      flips += slot->next[i] != slot->q[i];
    }
    slot->cycle = flips && !memcmp(slot->next, slot->before, m->dim); /* where it was two sweeps ago */
    memcpy(slot->before, slot->q, m->dim);
    memcpy(slot->q, slot->next, m->dim);
    if (flips) hfy_binary_dots_(run, slot);
    return flips;
  }
  if (m->order == HFY_BINARY_RANDOM) hfy_base_shuffle_(slot->order, m->dim, rng);
  for (l = 0; l < m->dim; l++) {
    const size_t j = slot->order[l];
    const double t = hfy_binary_drive_(run, slot, j, top);
    if (slot->q[j] > 0 ? !(t < 0) : !(t > 0)) continue;
    slot->q[j] = (signed char)-slot->q[j];
    flips++;
    if (m->kind == HFY_BINARY_WEIGHTS) continue;
    for (i = 0; i < m->count; i++) slot->dot[i] += 2 * slot->q[j] * run->columns[j * m->count + i];
    top = hfy_binary_ready_(run, slot);
  }
  return flips;
}

/* One query from its start to where it stands still. */
HFY_COLD_ void hfy_binary_walk_(const hfy_binary_run_ *run, hfy_binary_slot_ *slot, size_t who) {
  const hfy_binary *m = &run->m;
  const hfy_binary_report *report = &run->report;
  const size_t at = who * (m->max_sweeps + 1);
  hfy_rng rng = hfy_rng_seed(m->seed + who);
  size_t total = 0, period = 0, i, t;
  for (i = 0; i < m->dim; i++) {
    slot->q[i] = (signed char)(run->queries[who * m->dim + i] > 0 ? 1 : -1);
    slot->order[i] = m->order == HFY_BINARY_FIXED && m->sequence ? m->sequence[i] : i;
    slot->before[i] = 0;
  }
  slot->scale = 0;
  slot->cycle = 0;
  hfy_binary_dots_(run, slot);
  hfy_binary_note_(run, slot, at);
  for (t = 0; t < m->max_sweeps && !period;) {
    const size_t flips = hfy_binary_sweep_(run, slot, &rng);
    total += flips;
    t++;
    hfy_binary_note_(run, slot, at + t);
    period = !flips ? 1 : slot->cycle ? 2 : 0;
  }
  for (i = t + 1; i <= m->max_sweeps; i++) { /* the tail */
    if (report->energy) report->energy[at + i] = report->energy[at + t];
    if (report->log_energy) report->log_energy[at + i] = report->log_energy[at + t];
  }
  for (i = 0; i < m->dim; i++) run->out[who * m->dim + i] = (hfy_real)slot->q[i];
  if (report->sweeps) report->sweeps[who] = t;
  if (report->flips) report->flips[who] = total;
  if (report->period) report->period[who] = period;
}

HFY_PRIVATE_ void hfy_binary_task_(void *context, size_t task) {
  const hfy_binary_run_ *run = (const hfy_binary_run_ *)context;
  hfy_binary_slot_ *slot = run->slot + task;
  size_t who = hfy_base_share_(run->n, task, run->tasks), i;
  for (i = 0; run->m.kind == HFY_BINARY_EXP && i < HFY_BINARY_EXPS_; i++) slot->table[i] = exp(-(double)i);
  for (; who < hfy_base_share_(run->n, task + 1, run->tasks); who++) hfy_binary_walk_(run, slot, who);
}

/* Checks everything and fills run: its arrays, the patterns by columns. */
HFY_COLD_ hfy_status hfy_binary_open_(const hfy_binary *memory, const hfy_real *states, size_t n, const char *name,
                                      hfy_binary_run_ *run, hfy_work *w) {
  hfy_binary *m = &run->m;
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_status status;
  size_t i, j, t;
  if (!memory) return hfy_base_null_(w, "memory");
  *m = *memory;
  if (hfy_binary_one_of_("kind", m->kind, HFY_BINARY_EXP, "binary_kind", w) ||
      hfy_binary_one_of_("order", m->order, HFY_BINARY_RANDOM, "binary_order", w) ||
      (m->kind == HFY_BINARY_WEIGHTS
           ? hfy_binary_check_rows_(m->weights, m->dim, m->dim, 0, "weights", w)
           : hfy_binary_check_rows_(m->patterns, m->count, m->dim, m->stride, "patterns", w)))
    return HFY_ERR_ARG;
  if (m->dim > 1000000000 || m->count > 4000000000u)
    return hfy_base_fail_(w, HFY_ERR_ARG, "dim is %z and count %z; at most 1e9 and 4e9 are possible", m->dim, m->count);
  m->degree = hfy_base_default_(m->degree, 3);
  if ((m->kind == HFY_BINARY_POWER || m->kind == HFY_BINARY_RECTIFIED) &&
      !(m->degree >= 2 && m->degree <= 512 && m->degree <= floor(m->degree)))
    return hfy_base_should_(w, "", "degree", m->degree, "a whole number from 2 to 512");
  if (!m->stride) m->stride = m->dim;
  if (!m->max_sweeps) m->max_sweeps = 100;
  if (m->kind == HFY_BINARY_WEIGHTS) m->count = 0;
  if (hfy_binary_check_signs_(m->patterns, m->count, m->dim, m->stride, "patterns", w)) return HFY_ERR_ARG;
  if (!hfy_base_fits_(n, m->dim, sizeof(double)))
    return hfy_base_fail_(w, HFY_ERR_ARG, "%z states of dim %z: an array of that size cannot exist", n, m->dim);
  if ((run->report.energy || run->report.log_energy) &&
      !hfy_base_fits_(n, hfy_base_plus_(m->max_sweeps, 1), sizeof(double)))
    return hfy_base_fail_(w, HFY_ERR_ARG, "max_sweeps is %z: no array can hold so many energies", m->max_sweeps);
  if (n && !states) return hfy_base_null_(w, name);
  status = hfy_binary_check_signs_(states, n, m->dim, m->dim, name, w);
  run->n = n;
  run->queries = states;
  if (!run->tasks) run->tasks = hfy_base_min_(hfy_base_workers_(), n ? n : 1);
  run->exact = (double)m->count * pow((double)m->dim + 1, m->degree) < 4503599627370496.0; /* 2^52 */
  while (hfy_base_layout_(&arena, w, &status)) {
    run->slot = HFY_TAKE_(&arena, hfy_binary_slot_, run->tasks);
    run->columns = HFY_TAKE_(&arena, signed char, m->count * m->dim);
    for (t = 0; t < run->tasks; t++) {
      hfy_binary_slot_ slot;
      memset(&slot, 0, sizeof slot);
      slot.q = HFY_TAKE_(&arena, signed char, m->dim);
      slot.next = HFY_TAKE_(&arena, signed char, m->dim);
      slot.before = HFY_TAKE_(&arena, signed char, m->dim);
      slot.order = HFY_TAKE_(&arena, size_t, m->dim);
      slot.dot = HFY_TAKE_(&arena, int32_t, m->count);
      slot.table = HFY_TAKE_(&arena, double,
                             m->kind == HFY_BINARY_EXP ? HFY_BINARY_EXPS_ : m->count ? 2 * m->dim + 1 : 0);
      if (arena.base) run->slot[t] = slot;
    }
  }
  if (status) return status;
  for (i = 0; i < m->count; i++)
    for (j = 0; j < m->dim; j++)
      run->columns[j * m->count + i] = (signed char)(m->patterns[i * m->stride + j] > 0 ? 1 : -1);
  if (m->order != HFY_BINARY_FIXED || !m->sequence) return HFY_OK;
  memset(run->slot->next, 0, m->dim); /* seen */
  for (j = 0; j < m->dim; j++) {
    const size_t at = m->sequence[j];
    if (at >= m->dim)
      return hfy_base_fail_(w, HFY_ERR_ARG, "sequence[%z] is %z; it should be below dim, %z", j, at, m->dim);
    if (run->slot->next[at]++)
      return hfy_base_fail_(w, HFY_ERR_ARG, "sequence has %z twice; it should be a permutation", at);
  }
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_binary_recall(const hfy_binary *memory, const hfy_real *queries, size_t n_queries,
                                                hfy_real *out, const hfy_binary_report *report, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_binary_run_ run;
  hfy_status status = hfy_base_null_(w, n_queries && !out ? "out" : NULL);
  memset(&run, 0, sizeof run);
  if (report) run.report = *report;
  run.out = out;
  if (!status) status = hfy_binary_open_(memory, queries, n_queries, "queries", &run, w);
  if (!status && n_queries) hfy_base_parallel_(run.tasks, hfy_binary_task_, &run);
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_binary_energy(const hfy_binary *memory, const hfy_real *states, size_t n,
                                                double *energy, double *log_energy, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_binary_run_ run;
  hfy_status status;
  size_t i, j;
  memset(&run, 0, sizeof run);
  run.tasks = 1;
  status = hfy_binary_open_(memory, states, n, "states", &run, w);
  run.report.energy = energy;
  run.report.log_energy = log_energy;
  for (i = 0; !status && i < n; i++) {
    for (j = 0; j < run.m.dim; j++) run.slot->q[j] = (signed char)(states[i * run.m.dim + j] > 0 ? 1 : -1);
    hfy_binary_dots_(&run, run.slot);
    hfy_binary_note_(&run, run.slot, i);
  }
  return hfy_base_close_(w, &local, status);
}

#undef HFY_BINARY_EXPS_
#endif /* HFY_HAS_BINARY_ */

#ifdef HFY_HAS_KERNEL_
/* ------------------------------------------------------------------------------------------------------------------
   >>kernel.impl   kernel memories of +1 and -1
   Shapes: K P x P, alpha, H = K alpha P x N, pattern-major; states n x words, packed.
   May call: base, simd, linalg, net (its types), binary.
   Numerics: r = -s sigmoid(-s h) + lambda a, s = +-1, loses nothing where |h| is large; nor do p(1-p) = e / (1+e)^2 and
   1 / (p(1-p)) = 2 + 2 cosh h, e = e^-|h|. Sums go along a row, then down the rows, whatever the number of threads.
   Training: p(1-p) <= 1/4, so B = K/4 + lambda bounds every neuron's Hessian in the metric of K: the step
   Z - B^-1 r(Z) never raises the loss, Nesterov's momentum speeds it up, and the sign of r.(H_new - H) = the gradient
   along the last move restarts it. No inverse of K anywhere.
   ------------------------------------------------------------------------------------------------------------------ */
enum {
  HFY_KERNEL_BATCH_ = 64,    /* states whose potentials are one matrix product */
  HFY_KERNEL_LANCZOS_ = 160, /* most steps for a largest eigenvalue */
  HFY_KERNEL_FLOATS_ = 1024, /* products that are added up in float */
  HFY_KERNEL_MANY_ = 256     /* states for which finding the bounds pays */
};
#define HFY_KERNEL_ONCE_ HFY_PRIVATE_ HFY_SIMD_NOINLINE_ /* called often, but large beside a call: emitted once */

#define HFY_KERNEL_DISTANCES_(name, attribute, count)                                                                  \
  HFY_PRIVATE_ attribute void name(const uint64_t *x, size_t words, const uint64_t *rows, size_t n, uint32_t *d) {     \
    size_t i, l;                                                                                                       \
    if (words == 1)                                                                                                    \
      for (i = 0; i < n; i++) d[i] = (uint32_t)(count(x[0] ^ rows[i]));                                                \
    else if (words == 2)                                                                                               \
      for (i = 0; i < n; i++)                                                                                          \
        d[i] = (uint32_t)(count(x[0] ^ rows[2 * i])) + (uint32_t)(count(x[1] ^ rows[2 * i + 1]));                      \
    else                                                                                                               \
      for (i = 0; i < n; i++, rows += words) {                                                                         \
        uint32_t sum = 0;                                                                                              \
        for (l = 0; l < words; l++) sum += (uint32_t)(count(x[l] ^ rows[l]));                                          \
        d[i] = sum;                                                                                                    \
      }                                                                                                                \
  }

/* Set bits, by halves. */
HFY_PRIVATE_ uint32_t hfy_kernel_ones_(uint64_t x) {
  x -= x >> 1 & UINT64_C(0x5555555555555555);
  x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
  x = (x + (x >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F);
  return (uint32_t)(x * UINT64_C(0x0101010101010101) >> 56);
}
HFY_KERNEL_DISTANCES_(hfy_kernel_distances_plain_, HFY_SIMD_NOINLINE_, hfy_kernel_ones_)
#if defined(__GNUC__) && defined(HFY_SIMD_X86_)
HFY_KERNEL_DISTANCES_(hfy_kernel_distances_fast_, __attribute__((target("popcnt"), noinline)), __builtin_popcountll)
#elif defined(__GNUC__) && defined(HFY_SIMD_NEON_)
HFY_KERNEL_DISTANCES_(hfy_kernel_distances_fast_, HFY_SIMD_NOINLINE_, __builtin_popcountll)
#else
#define hfy_kernel_distances_fast_ hfy_kernel_distances_plain_
#endif
#undef HFY_KERNEL_DISTANCES_

HFY_PRIVATE_ int hfy_kernel_bit_(const uint64_t *x, size_t j) { return (int)(x[j / 64] >> (j % 64) & 1); }

HFY_API size_t hfy_kernel_words(size_t dim) { return dim / 64 + (dim % 64 != 0); }

/* Can rows x dim numbers exist? */
HFY_COLD_ hfy_status hfy_kernel_check_size_(size_t rows, size_t dim, hfy_work *w) {
  if (!dim) return hfy_base_fail_(w, HFY_ERR_ARG, "dim is 0; it should be at least 1");
  if (dim <= UINT32_MAX && hfy_base_fits_(rows, dim, sizeof(double))) return HFY_OK;
  return hfy_base_fail_(w, HFY_ERR_ARG, "%z states of dim %z: an array of that size cannot exist", rows, dim);
}

/* Are the bits from dim on 0 in all rows? */
HFY_COLD_ hfy_status hfy_kernel_check_bits_(const uint64_t *x, size_t rows, size_t dim, const char *name, hfy_work *w) {
  const size_t words = hfy_kernel_words(dim);
  const hfy_status status = hfy_kernel_check_size_(rows, dim, w);
  size_t i;
  if (status) return status;
  if (rows && !x) return hfy_base_null_(w, name);
  for (i = 0; dim % 64 && i < rows; i++)
    if (x[i * words + words - 1] >> (dim % 64))
      return hfy_base_fail_(w, HFY_ERR_ARG, "%s has a bit set beyond dim, %z, in row %z", name, dim, i);
  return HFY_OK;
}

HFY_API hfy_status hfy_kernel_pack(const hfy_real *x, size_t rows, size_t dim, uint64_t *packed, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_status status = hfy_kernel_check_size_(rows, dim, w);
  const size_t words = hfy_kernel_words(dim);
  size_t i, j;
  if (!status) status = hfy_base_null_(w, !rows ? NULL : !x ? "x" : !packed ? "packed" : NULL);
  if (!status) status = hfy_binary_check_signs_(x, rows, dim, dim, "x", w);
  for (i = 0; !status && i < rows; i++, packed += words) {
    memset(packed, 0, words * sizeof *packed);
    for (j = 0; j < dim; j++) packed[j / 64] |= (uint64_t)(x[i * dim + j] > 0) << (j % 64);
  }
  return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_kernel_unpack(const uint64_t *packed, size_t rows, size_t dim, hfy_real *x, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_status status = hfy_kernel_check_bits_(packed, rows, dim, "packed", w);
  size_t i, j;
  if (!status) status = hfy_base_null_(w, rows && !x ? "x" : NULL);
  for (i = 0; !status && i < rows; i++, packed += hfy_kernel_words(dim))
    for (j = 0; j < dim; j++) x[i * dim + j] = hfy_kernel_bit_(packed, j) ? 1 : -1;
  return hfy_base_close_(w, &local, status);
}

HFY_API double hfy_kernel_gamma(double flipped) {
  return flipped > 0 && flipped < 0.5 ? log((1 - flipped) / flipped) / 8 : hfy_base_nan_();
}

/* n doubles for each pointer, up to NULL. */
HFY_COLD_ void hfy_kernel_take_(hfy_base_arena_ *arena, size_t n, double **const *to) {
  for (; *to; to++) **to = HFY_TAKE_(arena, double, n);
}

typedef struct hfy_kernel_view_ {
  hfy_kernel k; /* defaults filled in */
  const hfy_simd_ *simd;
  size_t words;
  int wide;        /* does this machine count bits eight words at a time? */
  double *table;   /* dim + 1: K of states that differ in d bits */
  const double *K; /* P x P, if hfy_kernel_plan_gram_ was asked for it: the caller's, or made in `gram` */
  double *gram;
  uint32_t *d; /* tasks x P */
  size_t tasks;
  double *lanczos;        /* LANCZOS x (P + 2) + 2 P: if largest eigenvalues are wanted */
  const double *variance; /* P, or NULL: of which matrix */
  double lambda;
} hfy_kernel_view_;

/* K as a function of x.y (RBF: of |x-y|^2). */
HFY_COLD_ double hfy_kernel_of_(const hfy_kernel *k, double dot, double square) {
  if (k->kind == HFY_KERNEL_RBF) return exp(-k->gamma * square);
  return hfy_binary_power_(k->gamma * dot + k->offset, k->degree);
}

/* HFY_ERR_ARG unless x >= 0 and finite. */
HFY_COLD_ hfy_status hfy_kernel_check_number_(double x, const char *name, hfy_work *w) {
  return x >= 0 && hfy_base_is_finite_(x) ? HFY_OK : hfy_base_should_(w, "", name, x, "finite and not negative");
}

HFY_COLD_ hfy_status hfy_kernel_check_finite_(const double *x, size_t n, const char *name, hfy_work *w) {
  if (!x || hfy_base_is_finite_(hfy_linalg_largest_(x, n))) return HFY_OK;
  return hfy_base_fail_(w, HFY_ERR_ARG, "%s holds NaN or infinity", name);
}

/* What a call takes: no alpha; alpha in double; any alpha and states; any alpha, for states that it makes. */
enum { HFY_KERNEL_BARE_, HFY_KERNEL_DOUBLE_, HFY_KERNEL_RECALL_, HFY_KERNEL_TRIAL_ };

/* missing: an argument that is NULL, or NULL. */
HFY_COLD_ hfy_status hfy_kernel_open_(const hfy_kernel *kernel, int takes, const char *missing, hfy_kernel_view_ *v,
                                      hfy_work *w) {
  hfy_kernel *k = &v->k;
  memset(v, 0, sizeof *v);
  v->simd = hfy_simd_choose_(w);
  if (!v->simd) return HFY_ERR_UNSUPPORTED;
  if (!kernel) return hfy_base_null_(w, "kernel");
  *k = *kernel;
  if (!k->count) return hfy_base_fail_(w, HFY_ERR_ARG, "count is 0; it should be at least 1");
  if (hfy_binary_one_of_("kind", k->kind, HFY_KERNEL_LINEAR, "kernel_kind", w) ||
      hfy_binary_one_of_("order", k->order, HFY_BINARY_RANDOM, "binary_order", w))
    return HFY_ERR_ARG;
  if (!hfy_base_fits_(k->count, k->count, sizeof(double)))
    return hfy_base_fail_(w, HFY_ERR_ARG, "count is %z: count x count doubles cannot exist", k->count);
  if (hfy_kernel_check_bits_(k->patterns, k->count, k->dim, "patterns", w) ||
      hfy_kernel_check_number_(k->gamma, "gamma", w))
    return HFY_ERR_ARG;
  if (!(k->gamma > 0)) k->gamma = k->kind == HFY_KERNEL_RBF ? hfy_kernel_gamma(0.2) : 1 / (double)k->dim;
  if (k->kind == HFY_KERNEL_LINEAR) k->offset = 0;
  if (k->kind != HFY_KERNEL_RBF) {
    k->degree = k->kind == HFY_KERNEL_LINEAR ? 1 : hfy_base_default_(k->degree, 3);
    if (!(k->degree >= 1 && k->degree <= 64 && k->degree <= floor(k->degree)))
      return hfy_base_should_(w, "", "degree", k->degree, "a whole number from 1 to 64");
    if (hfy_kernel_check_number_(k->offset, "offset", w)) return HFY_ERR_ARG;
  }
  if (!hfy_base_is_finite_(hfy_kernel_of_(k, (double)k->dim, 0)) ||
      !hfy_base_is_finite_(hfy_kernel_of_(k, -(double)k->dim, 4 * (double)k->dim)))
    return hfy_base_fail_(w, HFY_ERR_ARG, "gamma %g and offset %g: the kernel leaves the range of double", k->gamma,
                          k->offset);
  if (!k->max_steps) k->max_steps = 30;
  if (k->nearest > k->count) k->nearest = 0;
  if (takes == HFY_KERNEL_DOUBLE_ && !k->alpha)
    return hfy_base_fail_(w, HFY_ERR_ARG, "kernel->alpha is NULL; hfy_kernel_train makes it");
  if (takes >= HFY_KERNEL_RECALL_ && !k->alpha && !k->alpha_float && !k->alpha_bytes)
    return hfy_base_fail_(w, HFY_ERR_ARG, "kernel->alpha is NULL, and so are alpha_float and alpha_bytes");
  v->words = hfy_kernel_words(k->dim);
#ifdef HFY_SIMD_POPCOUNT_
  v->wide = hfy_simd_is_wide_(v->simd->isa);
#endif
  return hfy_base_null_(w, missing);
}

HFY_COLD_ void hfy_kernel_fill_table_(const hfy_kernel_view_ *v) {
  size_t d;
  for (d = 0; d <= v->k.dim; d++)
    v->table[d] = hfy_kernel_of_(&v->k, (double)v->k.dim - 2 * (double)d, 4 * (double)d);
}

HFY_COLD_ void hfy_kernel_distances_(const hfy_kernel_view_ *v, const uint64_t *x, size_t n, uint32_t *d) {
  if (v->simd->isa != HFY_ISA_SCALAR && v->simd->isa != HFY_ISA_SSE2) /* AVX2 never comes without popcnt */
    hfy_kernel_distances_fast_(x, v->words, v->k.patterns, n, d);
  else
    hfy_kernel_distances_plain_(x, v->words, v->k.patterns, n, d);
}

/* given: K, or NULL: room for it. largest: room for a largest eigenvalue, too. */
HFY_COLD_ void hfy_kernel_plan_gram_(hfy_base_arena_ *arena, hfy_kernel_view_ *v, const double *given, int largest) {
  const size_t P = v->k.count;
  v->K = given;
  v->tasks = hfy_base_min_(hfy_base_workers_(), P);
  v->d = HFY_TAKE_(arena, uint32_t, hfy_base_times_(v->tasks, P));
  v->gram = HFY_TAKE_(arena, double, given ? 0 : hfy_base_times_(P, P));
  v->table = HFY_TAKE_(arena, double, hfy_base_plus_(v->k.dim, 1));
  v->lanczos = HFY_TAKE_(arena, double, largest ? hfy_base_times_(HFY_KERNEL_LANCZOS_ + 2, hfy_base_plus_(P, 2)) : 0);
}

HFY_COLD_ void hfy_kernel_gram_task_(void *context, size_t task) {
  const hfy_kernel_view_ *v = (const hfy_kernel_view_ *)context;
  const size_t P = v->k.count;
  uint32_t *d = v->d + task * P;
  size_t i, j;
  for (i = task; i < P; i += v->tasks) {
    hfy_kernel_distances_(v, v->k.patterns + i * v->words, i + 1, d);
    for (j = 0; j <= i; j++) v->gram[i * P + j] = v->table[d[j]];
  }
}

/* v->K, if it was not given. */
HFY_COLD_ void hfy_kernel_make_gram_(hfy_kernel_view_ *v) {
  const size_t P = v->k.count;
  size_t i0, j0, i, j;
  if (v->K) return;
  hfy_kernel_fill_table_(v);
  hfy_base_parallel_(v->tasks, hfy_kernel_gram_task_, v);
  for (i0 = 0; i0 < P; i0 += 32) /* the upper triangle, in tiles */
    for (j0 = 0; j0 <= i0; j0 += 32)
      for (i = i0; i < i0 + 32 && i < P; i++)
        for (j = j0; j < j0 + 32 && j < i; j++) v->gram[j * P + i] = v->gram[i * P + j];
  v->K = v->gram;
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_gram(const hfy_kernel *kernel, double *gram, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_kernel_view_ v;
  hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_BARE_, !gram ? "gram" : NULL, &v, w);
  while (hfy_base_layout_(&arena, w, &status)) hfy_kernel_plan_gram_(&arena, &v, gram, 0);
  if (!status) {
    v.K = NULL; /* gram is room, to be filled */
    v.gram = gram;
    hfy_kernel_make_gram_(&v);
  }
  return hfy_base_close_(w, &local, status);
}

/* y = K x */
HFY_COLD_ void hfy_kernel_times_(const hfy_kernel_view_ *v, const double *x, double *y) {
  const size_t P = v->k.count;
  hfy_linalg_apply_(v->simd, P, P, hfy_linalg_rows_(v->K, P), x, hfy_linalg_set_(y, 1));
}

/* y = K x, or (K diag(variance) K + lambda K) x. */
HFY_COLD_ void hfy_kernel_apply_(const void *context, const double *x, double *y) {
  const hfy_kernel_view_ *v = (const hfy_kernel_view_ *)context;
  double *z = v->lanczos;
  size_t i;
  hfy_kernel_times_(v, x, y);
  if (!v->variance) return;
  for (i = 0; i < v->k.count; i++) z[i] = v->variance[i] * y[i] + v->lambda * x[i];
  hfy_kernel_times_(v, z, y);
}

/* The largest eigenvalue of that operator, by Lanczos's iteration. */
HFY_COLD_ double hfy_kernel_largest_(hfy_kernel_view_ *v, const double *variance, double lambda) {
  const size_t P = v->k.count, most = hfy_base_min_(P, HFY_KERNEL_LANCZOS_);
  double *y = v->lanczos + P;
  v->variance = variance;
  v->lambda = lambda;
  return hfy_linalg_lanczos_(hfy_kernel_apply_, v, P, most, y + P, y);
}

/* --- training (math 16.2) --- */

typedef struct hfy_kernel_fit_ {
  hfy_kernel_view_ view;
  hfy_kernel_training o; /* defaults filled in */
  hfy_kernel_result out;
  size_t P, N, tasks;
  double *l;                                  /* P x P: a factor */
  double *A, *H, *Z, *HZ, *R, *next, *next_h; /* P x N */
  double *rows, *gemm;                        /* P: what `each` found */
  double t, momentum; /* Nesterov's */
  double head[8];     /* of a state: what it is made with; A, H, Z, HZ follow (PAPER: 0 for the last two) */
  hfy_linalg_factor_ factor;
  hfy_binary_pinv_ pinv;
  double *newton; /* tasks x newton_size */
  size_t newton_size;
  hfy_status *newton_status; /* N */
  size_t *newton_steps;
  void (*each)(struct hfy_kernel_fit_ *fit, size_t row);
  const double *x, *h; /* P x N: of `each` */
  double *y, c;
} hfy_kernel_fit_;

HFY_PRIVATE_ double hfy_kernel_sigmoid_(double h) {
  double e = exp(-fabs(h));
  return h >= 0 ? 1 / (1 + e) : e / (1 + e);
}

HFY_PRIVATE_ double hfy_kernel_residual_(int bit, double h, double scaled) {
  return bit ? scaled - hfy_kernel_sigmoid_(-h) : scaled + hfy_kernel_sigmoid_(h);
}

/* A pattern's part of a neuron's loss: softplus(-+h) + lambda/2 a h. */
HFY_COLD_ double hfy_kernel_cost_(int bit, double h, double a, double lambda) {
  const double z = bit ? -h : h;
  return (z > 0 ? z : 0) + log1p(exp(-fabs(z))) + 0.5 * lambda * a * h;
}

/* Rows of arrays, shared out. */
HFY_COLD_ void hfy_kernel_rows_task_(void *context, size_t task) {
  hfy_kernel_fit_ *f = (hfy_kernel_fit_ *)context;
  size_t i, last = hfy_base_share_(f->P, task + 1, f->tasks);
  for (i = hfy_base_share_(f->P, task, f->tasks); i < last; i++) f->each(f, i);
}

HFY_COLD_ void hfy_kernel_rows_(hfy_kernel_fit_ *f, void (*each)(hfy_kernel_fit_ *fit, size_t row)) {
  f->each = each;
  hfy_base_parallel_(f->tasks, hfy_kernel_rows_task_, f);
}

/* The same; the sum over the rows. */
HFY_COLD_ double hfy_kernel_sum_(hfy_kernel_fit_ *f, void (*each)(hfy_kernel_fit_ *fit, size_t row)) {
  double sum = 0;
  size_t i;
  hfy_kernel_rows_(f, each);
  for (i = 0; i < f->P; i++) sum += f->rows[i];
  return sum;
}

HFY_PRIVATE_ void hfy_kernel_each_residual_(hfy_kernel_fit_ *f, size_t row) {
  const uint64_t *x = f->view.k.patterns + row * f->view.words;
  const size_t from = row * f->N;
  double most = 0, sum = 0;
  size_t j;
  for (j = 0; j < f->N; j++) {
    const double r = hfy_kernel_residual_(hfy_kernel_bit_(x, j), f->h[from + j], f->o.lambda * f->x[from + j]);
    f->R[from + j] = r;
    f->next[from + j] = -r;
    sum += r;
    if (fabs(r) > most) most = fabs(r);
  }
  f->rows[row] = hfy_base_is_finite_(sum) ? most : sum;
}

/* R = the residual at a, h = K a; next = -R. Returns the largest: NaN or infinity if anything in them was. */
HFY_COLD_ double hfy_kernel_residuals_(hfy_kernel_fit_ *f, const double *a, const double *h) {
  f->x = a;
  f->h = h;
  hfy_kernel_rows_(f, hfy_kernel_each_residual_);
  return hfy_linalg_largest_(f->rows, f->P);
}

HFY_PRIVATE_ void hfy_kernel_each_add_(hfy_kernel_fit_ *f, size_t row) {
  hfy_linalg_axpy_(f->c, f->x + row * f->N, f->y + row * f->N, f->N);
}

/* y += c x */
HFY_COLD_ void hfy_kernel_add_rows_(hfy_kernel_fit_ *f, double c, const double *x, double *y) {
  f->c = c;
  f->x = x;
  f->y = y;
  hfy_kernel_rows_(f, hfy_kernel_each_add_);
}

/* R.(H_new - H): the gradient along the last move. */
HFY_PRIVATE_ void hfy_kernel_each_turn_(hfy_kernel_fit_ *f, size_t row) {
  size_t j, last = (row + 1) * f->N;
  double sum = 0;
  for (j = row * f->N; j < last; j++) sum += f->R[j] * (f->next_h[j] - f->H[j]);
  f->rows[row] = sum;
}

/* Z, HZ = the new point and a bit further along. */
HFY_PRIVATE_ void hfy_kernel_each_move_(hfy_kernel_fit_ *f, size_t row) {
  size_t j, last = (row + 1) * f->N;
  for (j = row * f->N; j < last; j++) {
    f->Z[j] = f->next[j] + f->momentum * (f->next[j] - f->A[j]);
    f->HZ[j] = f->next_h[j] + f->momentum * (f->next_h[j] - f->H[j]);
  }
}

/* The loss of this pattern; R = xi q with q = sigmoid(-xi h). */
HFY_COLD_ void hfy_kernel_each_loss_(hfy_kernel_fit_ *f, size_t row) {
  const uint64_t *x = f->view.k.patterns + row * f->view.words;
  const double *a = f->A + row * f->N, *h = f->H + row * f->N;
  double sum = 0, *u = f->R + row * f->N;
  size_t j;
  for (j = 0; j < f->N; j++) {
    sum += hfy_kernel_cost_(hfy_kernel_bit_(x, j), h[j], a[j], f->o.lambda);
    u[j] = -hfy_kernel_residual_(hfy_kernel_bit_(x, j), h[j], 0);
  }
  f->rows[row] = sum;
}

/* This pattern's part of the dual: entropy - U.KU / (2 lambda), K U in next. */
HFY_COLD_ void hfy_kernel_each_dual_(hfy_kernel_fit_ *f, size_t row) {
  const double *u = f->R + row * f->N, *ku = f->next + row * f->N;
  double sum = 0;
  size_t j;
  for (j = 0; j < f->N; j++) {
    double q = fabs(u[j]);
    sum -= (q > 0 ? q * log(q) : 0) + (q < 1 ? (1 - q) * log1p(-q) : 0) + u[j] * ku[j] / (2 * f->o.lambda);
  }
  f->rows[row] = sum;
}

/* y = K x for P x N arrays. */
HFY_COLD_ void hfy_kernel_times_gram_(hfy_kernel_fit_ *f, const double *x, double *y) {
  hfy_linalg_product_run_(f->view.simd, f->P, f->N, f->P, hfy_linalg_rows_(f->view.K, f->P), hfy_linalg_rows_(x, f->N),
                          hfy_linalg_set_(y, f->N), f->gemm);
}

/* L(a) of one neuron from h = K a. */
HFY_COLD_ double hfy_kernel_loss_(const hfy_kernel_view_ *v, size_t neuron, const double *a, const double *h,
                                  double lambda) {
  double sum = 0;
  size_t i;
  for (i = 0; i < v->k.count; i++)
    sum += hfy_kernel_cost_(hfy_kernel_bit_(v->k.patterns + i * v->words, neuron), h[i], a[i], lambda);
  return sum;
}

/* Newton, one neuron: d = (r - S M^-1 S K r) / lambda, M = lambda + S K S, S = sqrt(D), is (D K + lambda)^-1 r. */
HFY_COLD_ hfy_status hfy_kernel_newton_(hfy_kernel_fit_ *f, size_t neuron, double *m, size_t *steps) {
  const size_t P = f->P;
  const double lambda = f->o.lambda;
  double *a = m + P * P, *h = a + P, *r = h + P, *d = r + P, *root = d + P, *kd = root + P;
  double *trial = kd + P, *trial_h = root; /* once the step is known */
  double loss;
  size_t i, j;
  memset(a, 0, 2 * P * sizeof(double));
  loss = hfy_kernel_loss_(&f->view, neuron, a, h, lambda);
  for (*steps = 0;; ++*steps) {
    double most = 0, step = 1, now;
    for (i = 0; i < P; i++) {
      const double e = exp(-fabs(h[i]));
      r[i] = hfy_kernel_residual_(hfy_kernel_bit_(f->view.k.patterns + i * f->view.words, neuron), h[i], lambda * a[i]);
      root[i] = sqrt(e) / (1 + e);
      if (fabs(r[i]) > most) most = fabs(r[i]);
    }
    if (most < f->o.tol) break;
    if (*steps == f->o.max_iterations) return HFY_ERR_CONVERGENCE;
    for (i = 0; i < P; i++)
      for (j = 0; j <= i; j++) m[i * P + j] = root[i] * f->view.K[i * P + j] * root[j] + (i == j ? lambda : 0);
    if (hfy_linalg_cholesky_(m, P)) return HFY_ERR_SINGULAR;
    hfy_kernel_times_(&f->view, r, d);
    for (i = 0; i < P; i++) d[i] *= root[i];
    hfy_linalg_cholesky_solve_(m, P, d);
    for (i = 0; i < P; i++) d[i] = (r[i] - root[i] * d[i]) / lambda;
    hfy_kernel_times_(&f->view, d, kd);
    for (;; step /= 2) { /* half the step until the loss does not rise but for rounding */
      for (i = 0; i < P; i++) {
        trial[i] = a[i] - step * d[i];
        trial_h[i] = h[i] - step * kd[i];
      }
      now = hfy_kernel_loss_(&f->view, neuron, trial, trial_h, lambda);
      if (now <= loss + 1e-12 * fabs(loss) || step < 1e-6) break;
    }
    memcpy(a, trial, P * sizeof(double));
    hfy_kernel_times_(&f->view, a, h);
    loss = now;
  }
  for (i = 0; i < P; i++) f->A[i * f->N + neuron] = a[i];
  return HFY_OK;
}

HFY_COLD_ void hfy_kernel_newton_task_(void *context, size_t task) {
  hfy_kernel_fit_ *f = (hfy_kernel_fit_ *)context;
  size_t j;
  for (j = task; j < f->N; j += f->tasks)
    f->newton_status[j] = hfy_kernel_newton_(f, j, f->newton + task * f->newton_size, f->newton_steps + j);
}

HFY_COLD_ hfy_status hfy_kernel_left_range_(size_t iteration, hfy_work *w) {
  return hfy_base_fail_(w, HFY_ERR_NONFINITE, "training left the range of double at iteration %z", iteration);
}

/* Where training stands, into o.state (save) or out of it: from 0 unless resumed. */
HFY_COLD_ void hfy_kernel_state_(hfy_kernel_fit_ *f, int save) {
  double *const part[4] = {f->A, f->H, f->Z, f->HZ}, *s = save || f->o.resume ? f->o.state : NULL;
  const size_t n = f->P * f->N;
  size_t l;
  if (!save) f->t = 1;
  if (s && save) {
    f->head[1] = (double)f->out.iterations;
    f->head[2] = f->t;
    memcpy(s, f->head, sizeof f->head);
  } else if (s) {
    f->out.iterations = (size_t)s[1];
    f->t = s[2];
  }
  for (l = 0; l < 4; l++) {
    double *kept = s ? s + 8 + l * n : NULL, *to = save ? kept : part[l], *from = save ? part[l] : kept;
    if (to && from) memcpy(to, from, n * sizeof *to);
    if (to && !from) memset(to, 0, n * sizeof *to);
  }
}

/* The factor of K scale + lambda. */
HFY_COLD_ hfy_status hfy_kernel_factor_(hfy_kernel_fit_ *f, double scale, hfy_work *w) {
  size_t i;
  for (i = 0; i < f->P * f->P; i++) f->l[i] = f->view.K[i] * scale;
  for (i = 0; i < f->P; i++) f->l[i * f->P + i] += f->o.lambda;
  if (!hfy_linalg_factor_run_(&f->factor)) return HFY_OK;
  return hfy_base_fail_(w, HFY_ERR_SINGULAR,
                        "%g K + lambda is not positive definite in rounding: lambda %g is too small", scale,
                        f->o.lambda);
}

/* EXACT and PAPER: steps from where a state stopped, or from 0. */
HFY_COLD_ hfy_status hfy_kernel_iterate_(hfy_kernel_fit_ *f, hfy_work *w) {
  const int exact = f->o.trainer == HFY_KERNEL_EXACT;
  const hfy_status status = exact ? hfy_kernel_factor_(f, 0.25, w) : HFY_OK;
  hfy_kernel_progress now = {0, 0, 0};
  size_t n;
  if (status) return status;
  hfy_kernel_state_(f, 0);
  for (n = 0; n < f->o.max_iterations && !f->out.stopped; n++) {
    now.residual = exact ? hfy_kernel_residuals_(f, f->Z, f->HZ) : hfy_kernel_residuals_(f, f->A, f->H);
    if (!hfy_base_is_finite_(now.residual)) return hfy_kernel_left_range_(f->out.iterations, w);
    if (!n) now.residual_0 = now.residual;
    if (!exact && now.residual < f->o.tol) break;
    if (exact) {
      const double t = f->t;
      hfy_linalg_factor_solve_(&f->factor, f->next, f->N);
      hfy_kernel_add_rows_(f, 1, f->Z, f->next); /* Z - B^-1 R */
      hfy_kernel_times_gram_(f, f->next, f->next_h);
      /* Nesterov's momentum, dropped where the gradient points along the last move */
      f->t = hfy_kernel_sum_(f, hfy_kernel_each_turn_) > 0 ? 1 : (1 + sqrt(1 + 4 * t * t)) / 2;
      f->momentum = f->t > 1 ? (t - 1) / f->t : 0;
      hfy_kernel_rows_(f, hfy_kernel_each_move_);
      hfy_base_swap_(&f->A, &f->next, sizeof f->A);
      hfy_base_swap_(&f->H, &f->next_h, sizeof f->H);
    } else { /* gradient descent: A - eta K R */
      hfy_kernel_times_gram_(f, f->R, f->next);
      hfy_kernel_add_rows_(f, -f->o.eta, f->next, f->A);
      hfy_kernel_times_gram_(f, f->A, f->H);
    }
    now.iteration = ++f->out.iterations;
    f->out.stopped = f->o.progress && f->o.progress(f->o.context, &now);
    /* near enough to look closely? */
    if (exact && now.residual < 8 * f->o.tol && hfy_kernel_residuals_(f, f->A, f->H) < f->o.tol) break;
  }
  hfy_kernel_state_(f, 1);
  return HFY_OK;
}

/* RIDGE, PROJECTION and RAW: linear in the patterns. */
HFY_COLD_ hfy_status hfy_kernel_linear_(hfy_kernel_fit_ *f, hfy_work *w) {
  const size_t P = f->P, N = f->N;
  hfy_status status = HFY_OK;
  size_t i;
  for (i = 0; i < P * N; i++)
    f->A[i] = hfy_kernel_bit_(f->view.k.patterns + i / N * f->view.words, i % N) ? 1 : -1;
  if (f->o.trainer == HFY_KERNEL_RIDGE) { /* (K + lambda)^-1 X */
    status = hfy_kernel_factor_(f, 1, w);
    if (!status) hfy_linalg_factor_solve_(&f->factor, f->A, N);
  } else if (f->o.trainer == HFY_KERNEL_PROJECTION) { /* K^+ X */
    memcpy(f->l, f->view.K, P * P * sizeof(double));
    status = hfy_binary_pinv_run_(&f->pinv, f->l, f->A, 4 * (double)P * DBL_EPSILON);
    if (status) hfy_base_fail_(w, status, "QL did not converge on the Gram matrix");
  }
  return status;
}

HFY_API HFY_SMALL_ size_t hfy_kernel_state_size(size_t dim, size_t count) {
  size_t n = hfy_base_plus_(hfy_base_times_(hfy_base_times_(dim, count), 4), 8);
  return !dim || !count || !hfy_base_fits_(n, 1, sizeof(double)) ? SIZE_MAX : n;
}

/* Fills in defaults and checks them. */
HFY_COLD_ hfy_status hfy_kernel_check_training_(hfy_kernel_fit_ *f, const hfy_kernel_training *training, hfy_work *w) {
  hfy_kernel_training *o = &f->o;
  size_t l;
  f->P = f->view.k.count;
  f->N = f->view.k.dim;
  if (training) *o = *training;
  if (hfy_binary_one_of_("trainer", o->trainer, HFY_KERNEL_RAW, "kernel_trainer", w) ||
      hfy_kernel_check_number_(o->lambda, "lambda", w) || hfy_kernel_check_number_(o->eta, "eta", w) ||
      hfy_kernel_check_number_(o->tol, "tol", w))
    return HFY_ERR_ARG;
  if (o->unpenalised && o->trainer != HFY_KERNEL_PAPER)
    return hfy_base_fail_(w, HFY_ERR_ARG, "unpenalised is for trainer PAPER: no other has a lambda of 0");
  o->lambda = o->unpenalised ? 0 : hfy_base_default_(o->lambda, 0.01);
  o->eta = hfy_base_default_(o->eta, 0.1);
  if (o->trainer != HFY_KERNEL_PAPER) o->tol = hfy_base_default_(o->tol, 1e-8);
  if (!o->max_iterations)
    o->max_iterations = o->trainer == HFY_KERNEL_PAPER ? 200 : o->trainer == HFY_KERNEL_NEWTON ? 100 : 2000;
  if (o->trainer > HFY_KERNEL_PAPER && (o->resume || o->state))
    return hfy_base_fail_(w, HFY_ERR_ARG, "state and resume are for trainers EXACT and PAPER");
  if (o->resume && !o->state) return hfy_base_fail_(w, HFY_ERR_ARG, "resume is set, but state is NULL");
  for (l = 0; l < 8; l++) { /* iteration and t may differ, and eta where it is not used */
    const double head[8] = {4711 + (double)o->trainer, 0,      0, (double)f->N, (double)f->P, o->lambda,
                            f->view.k.gamma,           o->eta};
    f->head[l] = head[l];
    if (o->resume && l != 1 && l != 2 && (l != 7 || o->trainer == HFY_KERNEL_PAPER) &&
        !(fabs(o->state[l] - head[l]) <= 0))
      return hfy_base_fail_(w, HFY_ERR_ARG, "state was not left by this training (trainer, sizes, lambda, gamma, eta)");
  }
  return hfy_kernel_check_finite_(o->gram, f->P * f->P, "gram", w);
}

HFY_COLD_ void hfy_kernel_plan_training_(hfy_base_arena_ *arena, hfy_kernel_fit_ *f) {
  const size_t P = f->P, square = hfy_base_times_(P, P), n = hfy_base_times_(P, f->N);
  const hfy_kernel_trainer trainer = f->o.trainer;
  const int exact = trainer == HFY_KERNEL_EXACT, factor = exact || trainer == HFY_KERNEL_RIDGE;
  const int projection = trainer == HFY_KERNEL_PROJECTION;
  double **const all[] = {&f->A, &f->H, &f->R, &f->next, NULL}, **const exacts[] = {&f->Z, &f->HZ, &f->next_h, NULL};
  hfy_kernel_plan_gram_(arena, &f->view, f->o.gram, 1);
  f->tasks = hfy_base_workers_();
  f->gemm = HFY_TAKE_(arena, double, hfy_base_times_(f->tasks, hfy_linalg_gemm_scratch_(P, f->N, P, sizeof(double))));
  f->rows = HFY_TAKE_(arena, double, P);
  hfy_kernel_take_(arena, n, all);
  hfy_kernel_take_(arena, exact ? n : 0, exacts);
  f->l = HFY_TAKE_(arena, double, factor || projection ? square : 0);
  if (projection) hfy_binary_plan_pinv_(arena, f->view.simd, P, f->N, &f->pinv);
  if (factor) {
    hfy_linalg_factor_plan_(arena, P, f->N, &f->factor);
    f->factor.l = f->l;
    f->factor.simd = f->view.simd;
  }
  if (trainer == HFY_KERNEL_NEWTON) {
    f->newton_size = hfy_base_plus_(square, hfy_base_times_(P, 7));
    f->newton = HFY_TAKE_(arena, double, hfy_base_times_(f->tasks, f->newton_size));
    f->newton_status = HFY_TAKE_(arena, hfy_status, f->N);
    f->newton_steps = HFY_TAKE_(arena, size_t, f->N);
  }
}

/* The trainer asked for, and what came of it: residual, loss, duality gap. */
HFY_COLD_ hfy_status hfy_kernel_fit_run_(hfy_kernel_fit_ *f, hfy_work *w) {
  const hfy_kernel_training *o = &f->o;
  hfy_kernel_result *out = &f->out;
  hfy_status status = HFY_OK;
  size_t j;
  hfy_kernel_make_gram_(&f->view);
  out->gram_largest = hfy_kernel_largest_(&f->view, NULL, 0);
  out->stability = o->eta * (out->gram_largest * out->gram_largest / 4 + o->lambda * out->gram_largest) / 2;
  out->unstable = o->trainer == HFY_KERNEL_PAPER && out->stability >= 1;
  if (f->newton)
    hfy_base_parallel_(f->tasks, hfy_kernel_newton_task_, f);
  else
    status = o->trainer <= HFY_KERNEL_PAPER ? hfy_kernel_iterate_(f, w) : hfy_kernel_linear_(f, w);
  if (status) return status;
  for (j = 0; f->newton && j < f->N; j++) {
    if (f->newton_steps[j] > out->iterations) out->iterations = f->newton_steps[j];
    if (f->newton_status[j]) return hfy_base_fail_(w, f->newton_status[j], "Newton's method failed for neuron %z", j);
  }
  if (o->trainer > HFY_KERNEL_PAPER) hfy_kernel_times_gram_(f, f->A, f->H);
  out->residual = hfy_kernel_residuals_(f, f->A, f->H);
  out->loss = hfy_kernel_sum_(f, hfy_kernel_each_loss_);
  if (!hfy_base_is_finite_(out->residual) || !hfy_base_is_finite_(out->loss))
    return hfy_kernel_left_range_(out->iterations, w);
  out->gap = HUGE_VAL;
  if (!(o->lambda > 0)) return HFY_OK;
  hfy_kernel_times_gram_(f, f->R, f->next);
  out->gap = out->loss - hfy_kernel_sum_(f, hfy_kernel_each_dual_);
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_train(const hfy_kernel *kernel, const hfy_kernel_training *training,
                                               double *alpha, hfy_kernel_result *result, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_kernel_fit_ f;
  hfy_status status;
  memset(&f, 0, sizeof f);
  status = hfy_kernel_open_(kernel, HFY_KERNEL_BARE_, !alpha ? "alpha" : NULL, &f.view, w);
  if (!status) status = hfy_kernel_check_training_(&f, training, w);
  while (hfy_base_layout_(&arena, w, &status)) hfy_kernel_plan_training_(&arena, &f);
  if (!status) status = hfy_kernel_fit_run_(&f, w);
  if (!status) {
    memcpy(alpha, f.A, f.P * f.N * sizeof(double));
    if (result) *result = f.out;
    if (f.o.trainer == HFY_KERNEL_EXACT && !f.out.stopped && !(f.out.residual < f.o.tol))
      status = hfy_base_fail_(w, HFY_ERR_CONVERGENCE,
                              "residual is %g after %z iterations; tol is %g (alpha is usable)", f.out.residual,
                              f.out.iterations, f.o.tol);
  }
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_quantize(const double *alpha, size_t n, signed char *bytes, double *scale,
                                                  hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_status status = hfy_base_null_(w, !n ? NULL : !alpha ? "alpha" : !bytes ? "bytes" : NULL);
  double most;
  size_t i;
  if (!hfy_base_fits_(n, 1, sizeof(double)))
    status = hfy_base_fail_(w, HFY_ERR_ARG, "n is %z: an array of that size cannot exist", n);
  most = status ? 0 : hfy_linalg_largest_(alpha, n);
  if (!hfy_base_is_finite_(most)) status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "alpha holds NaN or infinity");
  for (i = 0; !status && i < n; i++) bytes[i] = (signed char)(most > 0 ? floor(alpha[i] / most * 127 + 0.5) : 0);
  if (!status && scale) *scale = most > 0 ? most / 127 : 1;
  return hfy_base_close_(w, &local, status);
}

/* One number of whatever alpha there is. */
HFY_PRIVATE_ double hfy_kernel_alpha_(const hfy_kernel *k, size_t at) {
  return k->alpha ? k->alpha[at] : k->alpha_float ? (double)k->alpha_float[at] : (double)k->alpha_bytes[at];
}

/* NaN stays NaN, and then nothing is skipped. */
HFY_COLD_ void hfy_kernel_bounds_(const hfy_kernel *k, double *bound) {
  size_t i, j;
  memset(bound, 0, k->dim * sizeof *bound);
  for (i = 0; i < k->count; i++)
    for (j = 0; j < k->dim; j++) {
      double a = fabs(hfy_kernel_alpha_(k, i * k->dim + j));
      if (a > bound[j] || hfy_base_is_nan_(a)) bound[j] = a;
    }
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_bound(const hfy_kernel *kernel, double *bound, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_kernel_view_ v;
  hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_RECALL_, !bound ? "bound" : NULL, &v, w);
  size_t i;
  for (i = 0; !status && i < v.k.count * v.k.dim; i++)
    if (!hfy_base_is_finite_(hfy_kernel_alpha_(&v.k, i)))
      status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "alpha[%z] is not finite", i);
  if (!status) hfy_kernel_bounds_(&v.k, bound);
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_net(const hfy_kernel *kernel, hfy_real *keys, hfy_real *values, hfy_net *net,
                                             hfy_work *work) {
  const char *missing = !keys ? "keys" : !values ? "values" : !net ? "net" : NULL;
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_kernel_view_ v;
  hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_DOUBLE_, missing, &v, w);
  const size_t N = v.k.dim, n = v.k.count * N;
  const int rbf = v.k.kind == HFY_KERNEL_RBF;
  size_t i;
  if (!status && v.k.kind == HFY_KERNEL_POLYNOMIAL)
    status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "a POLYNOMIAL kernel is no separation of a net");
  for (i = 0; !status && i < n; i++)
    if (!(fabs(v.k.alpha[i]) <= HFY_REAL_MAX_))
      status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "alpha[%z] is beyond hfy_real", i);
  if (!status) {
    status = hfy_kernel_unpack(v.k.patterns, v.k.count, N, keys, w);
    for (i = 0; i < n; i++) values[i] = (hfy_real)v.k.alpha[i];
    memset(net, 0, sizeof *net);
    net->dim = N;
    net->count = v.k.count;
    net->keys = keys;
    net->values = values;
    net->sim = rbf ? HFY_SIM_EUCLIDEAN : HFY_SIM_DOT;
    net->beta = rbf ? 2 * v.k.gamma : v.k.gamma;
    net->sep.kind = rbf ? HFY_SEP_EXP : HFY_SEP_IDENTITY;
    net->post.kind = HFY_POST_SIGN;
    net->max_steps = v.k.max_steps;
  }
  return hfy_base_close_(w, &local, status);
}

/* --- recall --- */

typedef struct hfy_kernel_slot_ { /* what one worker needs */
  uint64_t *now, *before;   /* BATCH x words */
  uint32_t *d;              /* count */
  uint32_t *tally;          /* dim + 1: how many patterns at each distance */
  double *k, *h;            /* BATCH x count, BATCH x dim */
  float *k_float, *h_float; /* the same, for alpha_float */
  double *gemm;
  size_t *order;  /* dim */
  uint32_t *few;  /* skipping: FEW x row: distances */
  size_t *nearby; /* skipping: count: patterns that matter */
  uint64_t *rest; /* skipping: BATCH x words: states not sure */
} hfy_kernel_slot_;

typedef struct hfy_kernel_walk_ {
  hfy_kernel_view_ view;
  size_t n, tasks;
  const uint64_t *states;
  uint64_t *cues, *out; /* n x words; TRIAL: the states are cues, both are scratch */
  hfy_kernel_report report;
  double *turned;    /* dim x count: alpha by neurons, for asynchronous orders */
  int skips;         /* leave out patterns that cannot turn a bit? */
  size_t row;        /* count, rounded up to a multiple of 8 */
  uint64_t *planes;  /* skipping: words x row: the patterns by words */
  double *bound;     /* skipping: dim: largest |alpha| */
  uint32_t reach[2]; /* skipping: how much farther than the nearest a pattern may be */
  hfy_kernel_slot_ *slot;
} hfy_kernel_walk_;

HFY_PRIVATE_ uint32_t hfy_kernel_least_(const hfy_kernel_view_ *v, const uint32_t *d) {
  uint32_t least = d[0];
  size_t i;
  if (v->k.kind != HFY_KERNEL_RBF) return 0;
  for (i = 1; i < v->k.count; i++) least = d[i] < least ? d[i] : least;
  return least;
}

/* Kernel values of one state from its distances; RBF: relative to distance `least`. All but the `nearest` get 0: those
   are what is below distance `at`, and the first `ties` at it. */
HFY_KERNEL_ONCE_ void hfy_kernel_values_(const hfy_kernel_view_ *v, const uint32_t *d, uint32_t *tally, uint32_t least,
                                         double *k) {
  const double *table = v->table;
  const size_t P = v->k.count;
  size_t i, at, ties = v->k.nearest;
  for (i = 0; i < P; i++) k[i] = table[d[i] - least];
  if (!ties) return;
  memset(tally, 0, (v->k.dim + 1) * sizeof *tally);
  for (i = 0; i < P; i++) tally[d[i]]++;
  for (at = 0; tally[at] < ties; at++) ties -= tally[at];
  for (i = 0; i < P; i++)
    if (d[i] > at || (d[i] == at && !ties))
      k[i] = 0;
    else
      ties -= d[i] == at;
}

/* h += c alpha_i, whatever alpha there is. */
HFY_KERNEL_ONCE_ void hfy_kernel_add_(const hfy_kernel *k, double c, size_t i, double *h) {
  const size_t N = k->dim;
  size_t j;
  if (k->alpha) {
    hfy_linalg_axpy_(c, k->alpha + i * N, h, N);
  } else if (k->alpha_float) {
    const float *x = k->alpha_float + i * N;
    for (j = 0; j < N; j++) h[j] += c * (double)x[j];
  } else {
    const signed char *x = k->alpha_bytes + i * N;
    for (j = 0; j < N; j++) h[j] += c * (double)x[j];
  }
}

/* s->h = potentials of m <= BATCH packed states, with whatever alpha there is; relative: RBF values relative to the
   nearest pattern, exponents into shift (or NULL). */
HFY_KERNEL_ONCE_ void hfy_kernel_fields_(const hfy_kernel_view_ *v, hfy_kernel_slot_ *s, const uint64_t *states,
                                         size_t m, int relative, double *shift) {
  const size_t P = v->k.count, N = v->k.dim;
  const int dense = !v->k.nearest && (v->k.alpha || v->k.alpha_float);
  size_t a, i;
  for (a = 0; a < m; a++) {
    double *k = s->k + a * P;
    uint32_t least;
    hfy_kernel_distances_(v, states + a * v->words, P, s->d);
    least = relative ? hfy_kernel_least_(v, s->d) : 0;
    if (shift) shift[a] = -4 * v->k.gamma * least;
    hfy_kernel_values_(v, s->d, s->tally, least, k);
    if (dense) continue;
    memset(s->h + a * N, 0, N * sizeof *s->h);
    for (i = 0; i < P; i++)
      if (k[i] > 0 || k[i] < 0) hfy_kernel_add_(&v->k, k[i], i, s->h + a * N);
  }
  if (dense && v->k.alpha)
    hfy_linalg_multiply_(v->simd, m, N, P, hfy_linalg_rows_(s->k, P), hfy_linalg_rows_(v->k.alpha, N),
                         hfy_linalg_set_(s->h, N), s->gemm);
  if (!dense || v->k.alpha) return;
  memset(s->h, 0, m * N * sizeof *s->h);
  for (i = 0; i < m * P; i++) s->k_float[i] = (float)s->k[i];
  for (i = 0; i < P; i += HFY_KERNEL_FLOATS_) { /* float within a block, double from block to block */
    hfy_linalg_multiply_float_(v->simd, m, N, hfy_base_min_(HFY_KERNEL_FLOATS_, P - i),
                               hfy_linalg_rows_(s->k_float + i, P), hfy_linalg_rows_(v->k.alpha_float + i * N, N),
                               hfy_linalg_set_(s->h_float, N), (float *)(void *)s->gemm);
    for (a = 0; a < m * N; a++) s->h[a] += (double)s->h_float[a];
  }
}

/* The signs of h as a packed state; 0 keeps the bit of x. Returns how many bits differ from x. */
HFY_PRIVATE_ size_t hfy_kernel_signs_(const double *h, size_t dim, const uint64_t *x, uint64_t *y) {
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

/* --- skipping: patterns that cannot turn a bit (math 16.2) ---
   All patterns farther than `reach` beyond the nearest add at most their number times K there times the largest
   |alpha_j| to h_j; where |h_j| of the nearer exceeds that and the rounding of both sums, its sign is the whole's. */

/* One state, whose distances are d, least the nearest. 1: `to` has all its bits. */
HFY_COLD_ int hfy_kernel_skip_(const hfy_kernel_walk_ *walk, hfy_kernel_slot_ *s, const uint32_t *d, uint32_t least,
                               uint64_t *to) {
  const hfy_kernel_view_ *v = &walk->view;
  const size_t P = v->k.count, N = v->k.dim, room = P / 8;
  const double eps = v->k.alpha_float && !v->k.alpha ? (double)FLT_EPSILON : DBL_EPSILON;
  int stage;
  for (stage = 0; stage < 2; stage++) {
    const uint32_t reach = walk->reach[stage], most = least > UINT32_MAX - reach ? UINT32_MAX : least + reach;
    double sum = 0, beyond = reach >= N ? 0 : v->table[reach + 1];
    size_t i, count;
    if (stage && reach == walk->reach[0]) break;
#ifdef HFY_SIMD_POPCOUNT_
    if (v->wide) {
      count = hfy_simd_near_wide_(d, walk->row, most, s->nearby, room);
      while (count && count <= room && s->nearby[count - 1] >= P) count--; /* padding */
    } else
#endif
      for (i = count = 0; i < P && count <= room; i++)
        if (d[i] <= most && count++ < room) s->nearby[count - 1] = i;
    if (count > room) return 0;
    memset(s->h, 0, N * sizeof *s->h);
    for (i = 0; i < count; i++) {
      const double k = v->table[d[s->nearby[i]] - least];
      hfy_kernel_add_(&v->k, k, s->nearby[i], s->h);
      sum += k;
    }
    beyond *= (double)(P - count);
    beyond += 4 * (double)(P + 16) * eps * (sum + beyond);
    if (v->simd->signs(s->h, walk->bound, beyond, N, to) == N) return 1;
  }
  return 0;
}

/* Next states of the m in s->now into rows `to` of out, where that is sure; returns how many are not, in s->rest. */
HFY_COLD_ size_t hfy_kernel_skip_all_(const hfy_kernel_walk_ *walk, hfy_kernel_slot_ *s, size_t m, const size_t *to,
                                      unsigned char *sure) {
  const hfy_kernel_view_ *v = &walk->view;
  const size_t words = v->words, bytes = words * sizeof(uint64_t), few = HFY_SIMD_FEW_;
  size_t a, l, unsure = 0;
  for (a = m; a % few; a++) /* nothing undefined is read */
    memcpy(s->now + a * words, s->now + (m - 1) * words, bytes);
  for (a = 0; a < m; a += few) {
    uint32_t least[HFY_SIMD_FEW_];
#ifdef HFY_SIMD_POPCOUNT_
    if (v->wide)
      hfy_simd_distances_wide_(s->now + a * words, words, walk->planes, walk->row, s->few, least);
    else
#endif
      for (l = 0; l < few; l++) {
        hfy_kernel_distances_(v, s->now + (a + l) * words, v->k.count, s->few + l * walk->row);
        least[l] = hfy_kernel_least_(v, s->few + l * walk->row);
      }
    for (l = 0; l < few && a + l < m; l++) {
      sure[a + l] = (unsigned char)hfy_kernel_skip_(walk, s, s->few + l * walk->row, least[l],
                                                    walk->out + to[a + l] * words);
      if (!sure[a + l]) memcpy(s->rest + unsure++ * words, s->now + (a + l) * words, bytes);
    }
  }
  return unsure;
}

/* One step of the m states in s->now, all bits at once, into rows `to` of out; changed: in how many bits each. */
HFY_COLD_ void hfy_kernel_step_(const hfy_kernel_walk_ *walk, hfy_kernel_slot_ *s, size_t m, const size_t *to,
                                size_t *changed) {
  const hfy_kernel_view_ *v = &walk->view;
  unsigned char sure[HFY_KERNEL_BATCH_] = {0};
  const size_t unsure = walk->skips ? hfy_kernel_skip_all_(walk, s, m, to, sure) : m;
  const double *h = s->h; /* of those that are not sure, one after another */
  size_t a;
  if (unsure) hfy_kernel_fields_(v, s, walk->skips ? s->rest : s->now, unsure, 1, NULL);
  for (a = 0; a < m; a++) {
    const uint64_t *x = s->now + a * v->words;
    uint64_t *y = walk->out + to[a] * v->words;
    uint32_t apart;
    if (sure[a]) hfy_kernel_distances_plain_(x, v->words, y, 1, &apart);
    changed[a] = sure[a] ? apart : hfy_kernel_signs_(h, v->k.dim, x, y);
    h += sure[a] ? 0 : v->k.dim;
  }
}

/* One step of the state in s->now, bit after bit, into x; s->d and s->k follow it. Returns how many bits changed. */
HFY_COLD_ size_t hfy_kernel_sweep_(const hfy_kernel_walk_ *walk, hfy_kernel_slot_ *s, hfy_rng *rng, uint64_t *x) {
  const hfy_kernel_view_ *v = &walk->view;
  const size_t P = v->k.count;
  size_t l, i, flips = 0;
  memcpy(x, s->now, v->words * sizeof *x);
  if (v->k.order == HFY_BINARY_RANDOM) hfy_base_shuffle_(s->order, v->k.dim, rng);
  for (l = 0; l < v->k.dim; l++) {
    const size_t j = s->order[l];
    const double h = hfy_linalg_dot_(s->k, walk->turned + j * P, P);
    const int own = hfy_kernel_bit_(x, j);
    if (own ? !(h < 0) : !(h > 0)) continue;
    x[j / 64] ^= UINT64_C(1) << (j % 64);
    flips++;
    for (i = 0; i < P; i++)
      if (hfy_kernel_bit_(v->k.patterns + i * v->words, j) == own)
        s->d[i]++;
      else
        s->d[i]--;
    hfy_kernel_values_(v, s->d, s->tally, hfy_kernel_least_(v, s->d), s->k);
  }
  return flips;
}

/* m <= BATCH states from `first` on; bit after bit it is one. Those that go on move up in the batch. */
HFY_COLD_ void hfy_kernel_walk_batch_(const hfy_kernel_walk_ *walk, hfy_kernel_slot_ *s, size_t first, size_t m) {
  const hfy_kernel_view_ *v = &walk->view;
  const size_t words = v->words, bytes = words * sizeof(uint64_t);
  const int together = v->k.order == HFY_BINARY_SYNCHRONOUS;
  const hfy_kernel_report *report = &walk->report;
  size_t who[HFY_KERNEL_BATCH_], flips[HFY_KERNEL_BATCH_], changed[HFY_KERNEL_BATCH_], a, t;
  hfy_rng rng = hfy_rng_seed(v->k.seed + first);
  memcpy(s->now, walk->states + first * words, m * bytes);
  memset(flips, 0, sizeof flips);
  for (a = 0; a < m; a++) who[a] = first + a;
  if (!together) {
    for (a = 0; a < v->k.dim; a++) s->order[a] = a;
    hfy_kernel_distances_(v, s->now, v->k.count, s->d);
    hfy_kernel_values_(v, s->d, s->tally, hfy_kernel_least_(v, s->d), s->k);
  }
  for (t = 1; m; t++) {
    size_t left = 0;
    if (together)
      hfy_kernel_step_(walk, s, m, who, changed);
    else
      changed[0] = hfy_kernel_sweep_(walk, s, &rng, walk->out + first * words);
    for (a = 0; a < m; a++) {
      const uint64_t *x = s->now + a * words, *past = s->before + a * words, *to = walk->out + who[a] * words;
      const size_t period = !changed[a] ? 1 : together && t > 1 && !memcmp(to, past, bytes) ? 2 : 0;
      flips[a] += changed[a];
      if (period || t == v->k.max_steps) {
        if (report->steps) report->steps[who[a]] = t;
        if (report->period) report->period[who[a]] = period;
        if (report->flips) report->flips[who[a]] = flips[a];
        continue;
      }
      memcpy(s->before + left * words, x, bytes);
      memcpy(s->now + left * words, to, bytes);
      who[left] = who[a];
      flips[left++] = flips[a];
    }
    m = left;
  }
}

HFY_COLD_ void hfy_kernel_walk_task_(void *context, size_t task) {
  const hfy_kernel_walk_ *walk = (const hfy_kernel_walk_ *)context;
  const size_t last = hfy_base_share_(walk->n, task + 1, walk->tasks);
  const size_t batch = walk->view.k.order == HFY_BINARY_SYNCHRONOUS ? HFY_KERNEL_BATCH_ : 1;
  size_t who;
  for (who = hfy_base_share_(walk->n, task, walk->tasks); who < last; who += batch)
    hfy_kernel_walk_batch_(walk, walk->slot + task, who, hfy_base_min_(batch, last - who));
}

HFY_COLD_ void hfy_kernel_plan_walk_(hfy_base_arena_ *arena, hfy_kernel_walk_ *walk, int takes) {
  const hfy_kernel *k = &walk->view.k;
  const size_t P = k->count, N = k->dim, batch = HFY_KERNEL_BATCH_, words = walk->view.words;
  const size_t n = takes == HFY_KERNEL_TRIAL_ ? walk->n : 0, skips = walk->skips != 0;
  const size_t floats = !k->alpha && k->alpha_float ? batch : 0;
  size_t t;
  walk->view.table = HFY_TAKE_(arena, double, hfy_base_plus_(N, 1));
  walk->planes = HFY_TAKE_(arena, uint64_t, skips * hfy_base_times_(walk->row, words));
  walk->bound = HFY_TAKE_(arena, double, skips * N);
  walk->turned = HFY_TAKE_(arena, double, k->order != HFY_BINARY_SYNCHRONOUS ? hfy_base_times_(P, N) : 0);
  walk->cues = HFY_TAKE_(arena, uint64_t, hfy_base_times_(n, words));
  walk->out = HFY_TAKE_(arena, uint64_t, hfy_base_times_(n, words));
  walk->report.period = HFY_TAKE_(arena, size_t, n);
  walk->report.steps = HFY_TAKE_(arena, size_t, n);
  walk->slot = HFY_TAKE_(arena, hfy_kernel_slot_, walk->tasks);
  for (t = 0; t < walk->tasks; t++) {
    hfy_kernel_slot_ s;
    s.now = HFY_TAKE_(arena, uint64_t, batch * words);
    s.before = HFY_TAKE_(arena, uint64_t, batch * words);
    s.d = HFY_TAKE_(arena, uint32_t, P);
    s.tally = HFY_TAKE_(arena, uint32_t, N + 1);
    s.k = HFY_TAKE_(arena, double, hfy_base_times_(batch, P));
    s.h = HFY_TAKE_(arena, double, hfy_base_times_(batch, N));
    s.k_float = HFY_TAKE_(arena, float, hfy_base_times_(floats, P));
    s.h_float = HFY_TAKE_(arena, float, hfy_base_times_(floats, N));
    s.gemm = HFY_TAKE_(arena, double, hfy_linalg_gemm_scratch_(batch, N, P, sizeof(double)) +
                                          hfy_linalg_gemm_scratch_(batch, N, P, sizeof(float)));
    s.order = HFY_TAKE_(arena, size_t, N);
    s.few = HFY_TAKE_(arena, uint32_t, skips * hfy_base_times_(HFY_SIMD_FEW_, walk->row));
    s.nearby = HFY_TAKE_(arena, size_t, skips * P);
    s.rest = HFY_TAKE_(arena, uint64_t, skips * batch * words);
    if (arena->base) walk->slot[t] = s;
  }
}

/* Checks the kernel and n states (TRIAL: to come), takes a walk's scratch, fills it but for the states. */
HFY_COLD_ hfy_status hfy_kernel_open_walk_(const hfy_kernel *kernel, int takes, const char *missing,
                                           const uint64_t *states, size_t n, hfy_kernel_walk_ *walk, hfy_work *w) {
  hfy_kernel_view_ *v = &walk->view;
  hfy_status status = hfy_kernel_open_(kernel, takes, missing, v, w);
  const size_t P = v->k.count, N = v->k.dim;
  const double *bound = v->k.bound;
  hfy_base_arena_ arena = {NULL, 0, 0};
  size_t i, j;
  if (!status)
    status = takes == HFY_KERNEL_TRIAL_ ? hfy_kernel_check_size_(n, N, w)
                                       : hfy_kernel_check_bits_(states, n, N, "states", w);
  for (i = 0; !status && bound && i < N; i++)
    if (!(bound[i] >= 0) || !hfy_base_is_finite_(bound[i]))
      status = hfy_base_fail_(
          w, HFY_ERR_ARG, "bound[%z] is %g; it should be finite and not negative: see hfy_kernel_bound", i, bound[i]);
  if (status) return status;
  memset(&walk->report, 0, sizeof walk->report);
  if (takes == HFY_KERNEL_DOUBLE_) v->k.order = HFY_BINARY_SYNCHRONOUS;
  walk->n = n;
  walk->tasks = takes == HFY_KERNEL_DOUBLE_ || !n ? 1 : hfy_base_min_(hfy_base_workers_(), n);
  walk->row = (P + 7) & ~(size_t)7;
  walk->skips = takes != HFY_KERNEL_DOUBLE_ && v->k.kind == HFY_KERNEL_RBF && v->k.order == HFY_BINARY_SYNCHRONOUS &&
                !v->k.nearest && (bound || n >= HFY_KERNEL_MANY_);
  while (hfy_base_layout_(&arena, w, &status)) hfy_kernel_plan_walk_(&arena, walk, takes);
  if (status) return status;
  walk->states = takes == HFY_KERNEL_TRIAL_ ? walk->cues : states;
  hfy_kernel_fill_table_(v);
  for (i = 0; walk->turned && i < P; i++)
    for (j = 0; j < N; j++) walk->turned[j * P + i] = hfy_kernel_alpha_(&v->k, i * N + j);
  if (!walk->skips) return HFY_OK;
  for (j = 0; j < v->words; j++)
    for (i = 0; i < walk->row; i++)
      walk->planes[j * walk->row + i] = v->k.patterns[hfy_base_min_(i, P - 1) * v->words + j];
  if (bound)
    memcpy(walk->bound, bound, N * sizeof *bound);
  else
    hfy_kernel_bounds_(&v->k, walk->bound);
  for (i = 0; i < 2; i++) { /* all that is left out: an eighth, a five-hundredth of the nearest */
    for (j = 0; j < N && (double)P * v->table[j + 1] > (i ? 1.0 / 512 : 1.0 / 8);) j++;
    walk->reach[i] = (uint32_t)j;
  }
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_recall(const hfy_kernel *kernel, const uint64_t *states, size_t n,
                                                uint64_t *out, const hfy_kernel_report *report, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_kernel_walk_ walk;
  hfy_status status = hfy_kernel_open_walk_(kernel, HFY_KERNEL_RECALL_, n && !out ? "out" : NULL, states, n, &walk, w);
  if (!status && report) walk.report = *report;
  walk.out = out;
  if (!status) hfy_base_parallel_(walk.tasks, hfy_kernel_walk_task_, &walk);
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_potentials(const hfy_kernel *kernel, const uint64_t *states, size_t n,
                                                    double *h, double *shift, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_kernel_walk_ walk;
  hfy_status status = hfy_kernel_open_walk_(kernel, HFY_KERNEL_DOUBLE_, n && !h ? "h" : NULL, states, n, &walk, w);
  const size_t words = walk.view.words, N = walk.view.k.dim;
  size_t from, m;
  for (from = 0; !status && from < n; from += m) {
    m = hfy_base_min_(HFY_KERNEL_BATCH_, n - from);
    hfy_kernel_fields_(&walk.view, walk.slot, states + from * words, m, shift != NULL, shift ? shift + from : NULL);
    memcpy(h + from * N, walk.slot->h, m * N * sizeof(double));
  }
  return hfy_base_close_(w, &local, status);
}

/* Flips `flips` different bits of a state: Fisher and Yates, stopped after so many places. */
HFY_COLD_ void hfy_kernel_flip_row_(uint64_t *x, size_t dim, size_t flips, hfy_rng *rng, size_t *places) {
  size_t i, j, place;
  for (i = 0; i < dim; i++) places[i] = i;
  for (i = 0; i < flips; i++) {
    j = i + (size_t)(hfy_rng_u64(rng) % (dim - i));
    place = places[j];
    places[j] = places[i]; /* what stands before i is not asked for again */
    x[place / 64] ^= UINT64_C(1) << (place % 64);
  }
}

HFY_COLD_ void hfy_kernel_random_row_(uint64_t *x, size_t dim, hfy_rng *rng) {
  size_t j;
  memset(x, 0, hfy_kernel_words(dim) * sizeof *x);
  for (j = 0; j < dim; j++) x[j / 64] |= (hfy_rng_u64(rng) >> 63) << (j % 64);
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_flip(const uint64_t *states, size_t rows, size_t dim, size_t flips,
                                              hfy_rng *rng, uint64_t *out, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_status status = hfy_kernel_check_bits_(states, rows, dim, "states", w);
  size_t words = hfy_kernel_words(dim), i, *places = NULL;
  if (!status) status = hfy_base_null_(w, !rng ? "rng" : rows && !out ? "out" : NULL);
  if (!status && flips > dim)
    status = hfy_base_fail_(w, HFY_ERR_ARG, "flips is %z; it should be at most dim, %z", flips, dim);
  while (hfy_base_layout_(&arena, w, &status)) places = HFY_TAKE_(&arena, size_t, dim);
  if (!status && rows && out != states) memmove(out, states, rows * words * sizeof *out);
  for (i = 0; !status && i < rows; i++) hfy_kernel_flip_row_(out + i * words, dim, flips, rng, places);
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_random(size_t n, size_t dim, hfy_rng *rng, uint64_t *out, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_status status = hfy_kernel_check_size_(n, dim, w);
  size_t i;
  if (!status) status = hfy_base_null_(w, !rng ? "rng" : n && !out ? "out" : NULL);
  for (i = 0; !status && i < n; i++) hfy_kernel_random_row_(out + i * hfy_kernel_words(dim), dim, rng);
  return hfy_base_close_(w, &local, status);
}

/* --- how good a memory is --- */

HFY_API hfy_status hfy_kernel_stored(const hfy_kernel *kernel, double *stored, double *margin, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_kernel_walk_ walk;
  const hfy_kernel_view_ *v = &walk.view;
  hfy_status status = hfy_kernel_open_walk_(kernel, HFY_KERNEL_DOUBLE_, NULL, NULL, 0, &walk, w);
  size_t from, m, a, j, fixed = 0;
  double least = HUGE_VAL;
  for (from = 0; !status && from < v->k.count; from += m) {
    const uint64_t *x = v->k.patterns + from * v->words;
    const double *h = walk.slot->h;
    m = hfy_base_min_(HFY_KERNEL_BATCH_, v->k.count - from);
    hfy_kernel_fields_(v, walk.slot, x, m, 0, NULL); /* a stored pattern is its own nearest: no shift needed */
    for (a = 0; a < m; a++, x += v->words, h += v->k.dim) {
      fixed += !hfy_kernel_signs_(h, v->k.dim, x, walk.slot->now);
      for (j = 0; j < v->k.dim; j++) {
        const double s = hfy_kernel_bit_(x, j) ? h[j] : -h[j];
        if (s < least) least = s;
      }
    }
  }
  if (!status && stored) *stored = (double)fixed / (double)v->k.count;
  if (!status && margin) *margin = least;
  return hfy_base_close_(w, &local, status);
}

HFY_API hfy_status hfy_kernel_basins(const hfy_kernel *kernel, size_t patterns, const size_t *flips, size_t n_flips,
                                     const hfy_rng *rng, double *recovered, double *overlap, hfy_work *work) {
  const char *missing = !flips ? "flips" : !rng ? "rng" : !recovered ? "recovered" : NULL;
  const size_t n = kernel ? hfy_base_min_(patterns, kernel->count) : 0;
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_kernel_walk_ walk;
  const hfy_kernel *k = &walk.view.k;
  hfy_status status = hfy_kernel_open_walk_(kernel, HFY_KERNEL_TRIAL_, missing, NULL, n, &walk, w);
  const size_t words = walk.view.words;
  size_t f, i;
  if (!status && (!n || patterns > n))
    status = hfy_base_fail_(w, HFY_ERR_ARG, "patterns is %z; it should be 1 .. count, %z", patterns, k->count);
  for (f = 0; !status && f < n_flips; f++)
    if (flips[f] > k->dim)
      status = hfy_base_fail_(w, HFY_ERR_ARG, "flips[%z] is %z; it should be at most dim, %z", f, flips[f], k->dim);
  for (f = 0; !status && f < n_flips; f++) {
    hfy_rng stream = *rng;
    size_t whole = 0, apart = 0;
    uint32_t d;
    memcpy(walk.cues, k->patterns, n * words * sizeof(uint64_t));
    for (i = 0; i < n; i++) hfy_kernel_flip_row_(walk.cues + i * words, k->dim, flips[f], &stream, walk.slot->order);
    hfy_base_parallel_(walk.tasks, hfy_kernel_walk_task_, &walk);
    for (i = 0; i < n; i++) {
      hfy_kernel_distances_plain_(walk.out + i * words, words, k->patterns + i * words, 1, &d);
      whole += !d;
      apart += d;
    }
    recovered[f] = (double)whole / (double)n;
    if (overlap) overlap[f] = 1 - 2 * (double)apart / ((double)n * (double)k->dim);
  }
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_explore(const hfy_kernel *kernel, size_t n, hfy_rng *rng,
                                                 hfy_kernel_census *census, hfy_work *work) {
  const char *missing = !rng ? "rng" : !census ? "census" : NULL;
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_kernel_walk_ walk;
  hfy_status status = hfy_kernel_open_walk_(kernel, HFY_KERNEL_TRIAL_, missing, NULL, n, &walk, w);
  const hfy_kernel *k = &walk.view.k;
  const size_t words = walk.view.words, bytes = words * sizeof(uint64_t);
  double share;
  size_t i, j;
  if (!status && !n) status = hfy_base_fail_(w, HFY_ERR_ARG, "n is 0; it should be at least 1");
  if (status) return hfy_base_close_(w, &local, status);
  memset(census, 0, sizeof *census);
  for (i = 0; i < walk.n; i++) hfy_kernel_random_row_(walk.cues + i * words, k->dim, rng);
  hfy_base_parallel_(walk.tasks, hfy_kernel_walk_task_, &walk);
  share = 1 / (double)walk.n;
  for (i = 0; i < walk.n; i++) {
    const uint64_t *end = walk.out + i * words;
    const size_t period = walk.report.period[i], steps = walk.report.steps[i];
    int stored = 0, opposite = 0;
    census->steps += share * (double)steps;
    census->fixed += share * (period == 1 && steps == 1);
    hfy_kernel_distances_(&walk.view, end, k->count, walk.slot->d);
    for (j = 0; j < k->count; j++) {
      stored |= !walk.slot->d[j];
      opposite |= walk.slot->d[j] == k->dim;
    }
    *(!period       ? &census->unsettled
      : period == 2 ? &census->cycles
      : stored      ? &census->stored
      : opposite    ? &census->opposite
                    : &census->spurious) += share;
    if (period != 1 || stored || opposite) continue;
    for (j = 0; j < census->different && memcmp(walk.cues + j * words, end, bytes); j++) continue;
    if (j == census->different) memcpy(walk.cues + census->different++ * words, end, bytes); /* cues are done with */
  }
  return hfy_base_close_(w, &local, status);
}

/* --- landscape (math 16.3) --- */

/* F_d and F_i at x, N numbers each; apart: N. */
HFY_COLD_ void hfy_kernel_force_(const hfy_kernel_view_ *v, const double *x, double *fd, double *fi, double *apart) {
  const hfy_kernel *k = &v->k;
  const size_t N = k->dim;
  size_t i, j;
  memset(fd, 0, N * sizeof *fd);
  memset(fi, 0, N * sizeof *fi);
  for (i = 0; i < k->count; i++) {
    const uint64_t *xi = k->patterns + i * v->words;
    const double *a = k->alpha + i * N;
    double square = 0, dot = 0, value, slope;
    for (j = 0; j < N; j++) {
      const double s = hfy_kernel_bit_(xi, j) ? 1 : -1;
      if (k->kind == HFY_KERNEL_RBF) {
        apart[j] = x[j] - s;
        square += apart[j] * apart[j];
      } else {
        apart[j] = s;
        dot += s * x[j];
      }
    }
    value = hfy_kernel_of_(k, dot, square);
    slope = 2 * k->gamma * value; /* -dK/dx = slope apart */
    if (k->kind != HFY_KERNEL_RBF)
      slope = -k->gamma * k->degree * hfy_binary_power_(k->gamma * dot + k->offset, k->degree - 1);
    hfy_linalg_axpy_(-value, a, fd, N);
    hfy_linalg_axpy_(slope * hfy_linalg_dot_(x, a, N), apart, fi, N);
  }
}

HFY_COLD_ void hfy_kernel_geometry_(const double *x, double *fd, double *fi, double *sum, size_t N,
                                    hfy_kernel_geometry *g) {
  const double fd_most = hfy_linalg_largest_(fd, N), fi_most = hfy_linalg_largest_(fi, N);
  size_t j;
  memset(g, 0, sizeof *g);
  g->potential = hfy_linalg_dot_(x, fd, N);
  g->direct = hfy_linalg_dot_(fd, fd, N);
  g->indirect = hfy_linalg_dot_(fi, fi, N);
  for (j = 0; j < N; j++) sum[j] = fd[j] + fi[j];
  g->sharpness = hfy_linalg_dot_(sum, sum, N);
  g->undefined = !(fd_most > 0 && fi_most > 0);
  if (g->undefined) return;
  for (j = 0; j < N; j++) { /* each scaled first: at large gamma the indirect force is tiny */
    fd[j] /= fd_most;
    fi[j] /= fi_most;
  }
  g->interference = hfy_linalg_dot_(fd, fi, N) / sqrt(hfy_linalg_dot_(fd, fd, N) * hfy_linalg_dot_(fi, fi, N));
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_forces(const hfy_kernel *kernel, const double *x, size_t n, double *direct,
                                                double *indirect, hfy_kernel_geometry *geometry, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_kernel_view_ v;
  hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_DOUBLE_, n && !x ? "x" : NULL, &v, w);
  double *fd = NULL, *fi, *apart;
  const size_t N = v.k.dim;
  size_t i;
  if (!status && !hfy_base_fits_(n, N, sizeof(double)))
    status = hfy_base_fail_(w, HFY_ERR_ARG, "n is %z: so many points cannot exist", n);
  for (i = 0; !status && i < n; i++)
    if (!hfy_base_is_finite_(hfy_linalg_largest_(x + i * N, N)))
      status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "x holds NaN or infinity in row %z", i);
  while (hfy_base_layout_(&arena, w, &status)) fd = HFY_TAKE_(&arena, double, hfy_base_times_(N, 3));
  for (i = 0; !status && i < n; i++, x += N) {
    fi = fd + N;
    apart = fi + N;
    hfy_kernel_force_(&v, x, fd, fi, apart);
    if (direct) memcpy(direct + i * N, fd, N * sizeof(double));
    if (indirect) memcpy(indirect + i * N, fi, N * sizeof(double));
    if (geometry) hfy_kernel_geometry_(x, fd, fi, apart, N, geometry + i);
  }
  return hfy_base_close_(w, &local, status);
}

/* --- spectra (math 16.3) --- */

typedef struct hfy_kernel_spectra_ {
  hfy_kernel_view_ v;
  hfy_linalg_svd_ svd;
  hfy_linalg_symmetric_ by_pattern, by_neuron;
  double *h, *turned, *square; /* P x N, P x N, the larger squared */
  double *sigma, *operators, *effective, *logits, *values; /* r, N, r, r, P: the larger of P and N each */
  double *gemm;
} hfy_kernel_spectra_;

/* sum of x / x_1, or of squares; 0 where there is nothing. */
HFY_COLD_ double hfy_kernel_rank_(const double *x, size_t n, int squares) {
  double sum = 0;
  size_t i;
  if (!(x[0] > 0)) return 0;
  for (i = 0; i < n; i++) sum += squares ? x[i] / x[0] * (x[i] / x[0]) : x[i] / x[0];
  return sum;
}

/* Makes a product exactly symmetric that is by right. */
HFY_COLD_ void hfy_kernel_symmetric_(double *a, size_t n) {
  size_t i, j;
  for (i = 0; i < n; i++)
    for (j = 0; j < i; j++) a[i * n + j] = a[j * n + i] = 0.5 * (a[i * n + j] + a[j * n + i]);
}

HFY_COLD_ void hfy_kernel_plan_spectra_(hfy_base_arena_ *arena, hfy_kernel_spectra_ *s, const double *gram) {
  const size_t P = s->v.k.count, N = s->v.k.dim, most = P > N ? P : N;
  double **const two[] = {&s->h, &s->turned, NULL};
  double **const five[] = {&s->sigma, &s->operators, &s->effective, &s->logits, &s->values, NULL};
  hfy_kernel_plan_gram_(arena, &s->v, gram, 0);
  s->square = HFY_TAKE_(arena, double, hfy_base_times_(most, most));
  hfy_kernel_take_(arena, P * N, two);
  hfy_kernel_take_(arena, most, five);
  s->gemm = HFY_TAKE_(arena, double,
                      hfy_base_times_(hfy_base_workers_(), hfy_linalg_gemm_scratch_(P, most, most, sizeof(double))));
  hfy_linalg_svd_plan_(arena, P, N, &s->svd);
  hfy_linalg_symmetric_plan_(arena, P, 0, &s->by_pattern);
  hfy_linalg_symmetric_plan_(arena, N, 0, &s->by_neuron);
  s->svd.eigen.simd = s->by_pattern.simd = s->by_neuron.simd = s->v.simd;
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_spectra(const hfy_kernel *kernel, const double *gram,
                                                 hfy_kernel_spectrum *spectrum, double *alpha_values,
                                                 double *operator_values, double *effective_values,
                                                 double *gram_values, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_kernel_spectra_ spectra, *s = &spectra;
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_DOUBLE_, !spectrum ? "spectrum" : NULL, &s->v, w);
  const size_t P = s->v.k.count, N = s->v.k.dim, r = hfy_base_min_(P, N);
  const double *alpha = s->v.k.alpha, *u;
  const hfy_simd_ *simd = s->v.simd;
  size_t i, j;
  if (!status) status = hfy_kernel_check_finite_(alpha, P * N, "alpha", w);
  if (!status) status = hfy_kernel_check_finite_(gram, P * P, "gram", w);
  if (!status && !(hfy_linalg_largest_(alpha, P * N) > 0))
    status = hfy_base_fail_(w, HFY_ERR_UNSUPPORTED, "alpha is 0: its stable rank does not exist");
  while (hfy_base_layout_(&arena, w, &status)) hfy_kernel_plan_spectra_(&arena, s, gram);
  if (status) return status;
  hfy_kernel_make_gram_(&s->v);
  /* the operator: K^(1/2) alpha has the eigenvalues of alpha^T H, H = K alpha */
  hfy_linalg_product_run_(simd, P, N, P, hfy_linalg_rows_(s->v.K, P), hfy_linalg_rows_(alpha, N),
                          hfy_linalg_set_(s->h, N), s->gemm);
  hfy_linalg_multiply_(simd, N, N, P, hfy_linalg_turned_(alpha, N), hfy_linalg_rows_(s->h, N),
                       hfy_linalg_set_(s->square, N), s->gemm);
  hfy_kernel_symmetric_(s->square, N);
  status = hfy_linalg_symmetric_run_(&s->by_neuron, s->square, s->operators, NULL);
  for (i = 0; i < N; i++) s->operators[i] = s->operators[i] > 0 ? sqrt(s->operators[i]) : 0;
  if (!status) status = hfy_linalg_svd_run_(&s->svd, s->h, P, N, s->logits, 0);
  if (!status) status = hfy_linalg_svd_run_(&s->svd, alpha, P, N, s->sigma, 1);
  if (status) return hfy_base_close_(w, &local, hfy_base_fail_(w, status, "an eigenproblem did not converge"));
  /* |alpha|: sigma^(1/2) U^T K U sigma^(1/2) */
  u = P >= N ? s->svd.matrix : s->svd.v; /* r rows of P */
  hfy_linalg_product_run_(simd, r, P, P, hfy_linalg_rows_(u, P), hfy_linalg_rows_(s->v.K, P),
                          hfy_linalg_set_(s->turned, P), s->gemm);
  hfy_linalg_multiply_(simd, r, r, P, hfy_linalg_rows_(s->turned, P), hfy_linalg_turned_(u, P),
                       hfy_linalg_set_(s->square, r), s->gemm);
  for (i = 0; i < r; i++)
    for (j = 0; j <= i; j++)
      s->square[i * r + j] = s->square[j * r + i] = sqrt(s->sigma[i]) * sqrt(s->sigma[j]) * s->square[i * r + j];
  status = hfy_linalg_symmetric_run_(P < N ? &s->by_pattern : &s->by_neuron, s->square, s->effective, NULL);
  memcpy(s->square, s->v.K, P * P * sizeof(double));
  if (!status) status = hfy_linalg_symmetric_run_(&s->by_pattern, s->square, s->values, NULL);
  if (status) return hfy_base_close_(w, &local, hfy_base_fail_(w, status, "an eigenproblem did not converge"));
  spectrum->alpha_1 = s->sigma[0];
  spectrum->alpha_2 = r > 1 ? s->sigma[1] : 0;
  spectrum->alpha_rank = hfy_kernel_rank_(s->sigma, r, 1);
  spectrum->leading = 1 / spectrum->alpha_rank;
  spectrum->trailing = 1 - spectrum->leading;
  spectrum->operator_1 = s->operators[0];
  spectrum->operator_rank = hfy_kernel_rank_(s->operators, N, 1);
  spectrum->logits_1 = s->logits[0];
  spectrum->logits_rank = hfy_kernel_rank_(s->logits, r, 1);
  spectrum->effective = s->effective[0];
  spectrum->gram_1 = s->values[0];
  spectrum->gram_least = s->values[P - 1];
  spectrum->gram_rank = hfy_kernel_rank_(s->values, P, 0);
  if (alpha_values) memcpy(alpha_values, s->sigma, r * sizeof(double));
  if (operator_values) memcpy(operator_values, s->operators, r * sizeof(double));
  if (effective_values) memcpy(effective_values, s->effective, r * sizeof(double));
  if (gram_values) memcpy(gram_values, s->values, P * sizeof(double));
  return hfy_base_close_(w, &local, HFY_OK);
}

/* --- information geometry (math 16.4) --- */

/* One neuron: a point a and what follows there; then the way of gradient descent to it. */
typedef struct hfy_kernel_course_ {
  hfy_kernel_view_ v;
  size_t P, neuron;
  double lambda, damping;
  double *factor; /* P x P: of K, for natural steps; or NULL */
  int singular;
  double *fisher, *scaled;                        /* P x P: G, D K; or NULL */
  double *a, *h, *variance, *r, *g, *step, *work; /* P */
  double *gemm;
  /* the way: room for it if steps > 0 */
  size_t steps;
  double eta;
  int in_logits;
  hfy_linalg_symmetric_ eigen;
  double *values, *vectors;    /* of G at the end: P, P x P */
  double *goal, *moved, *ends; /* P: direction of the end, a step, variance at the end */
  hfy_kernel_path out;
} hfy_kernel_course_;

/* Checks c's neuron, lambda, damping, steps, eta; makes room, K and its factor. natural: are natural steps wanted? */
HFY_COLD_ hfy_status hfy_kernel_open_course_(const hfy_kernel *kernel, const double *gram, int natural,
                                             const char *missing, hfy_kernel_course_ *c, hfy_work *w) {
  double **const rows[] = {&c->a, &c->h, &c->variance, &c->r, &c->g, &c->step, &c->work, NULL};
  double **const more[] = {&c->values, &c->goal, &c->moved, &c->ends, NULL};
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_status status = hfy_kernel_open_(kernel, HFY_KERNEL_BARE_, NULL, &c->v, w);
  const size_t P = c->P = c->v.k.count, square = P * P, fisher = c->damping > 0 || c->steps ? square : 0;
  if (status) return status;
  if (c->neuron >= c->v.k.dim)
    return hfy_base_fail_(w, HFY_ERR_ARG, "neuron is %z; it should be below dim, %z", c->neuron, c->v.k.dim);
  if (hfy_kernel_check_number_(c->lambda, "lambda", w) || hfy_kernel_check_number_(c->damping, "damping", w) ||
      hfy_kernel_check_finite_(gram, square, "gram", w) || hfy_base_null_(w, missing) ||
      hfy_kernel_check_number_(c->eta, "eta", w))
    return HFY_ERR_ARG;
  while (hfy_base_layout_(&arena, w, &status)) {
    hfy_kernel_plan_gram_(&arena, &c->v, gram, 1);
    c->factor = HFY_TAKE_(&arena, double, natural ? square : 0);
    c->fisher = HFY_TAKE_(&arena, double, fisher);
    c->scaled = HFY_TAKE_(&arena, double, fisher);
    c->gemm = HFY_TAKE_(&arena, double, hfy_linalg_gemm_scratch_(P, P, P, sizeof(double)));
    hfy_kernel_take_(&arena, P, rows);
    if (!c->steps) continue;
    c->vectors = HFY_TAKE_(&arena, double, square);
    hfy_kernel_take_(&arena, P, more);
    hfy_linalg_symmetric_plan_(&arena, P, 1, &c->eigen);
    c->eigen.simd = c->v.simd;
  }
  if (status) return status;
  hfy_kernel_make_gram_(&c->v);
  if (!natural) return HFY_OK;
  memcpy(c->factor, c->v.K, square * sizeof(double));
  c->singular = hfy_linalg_cholesky_(c->factor, P) != HFY_OK;
  return HFY_OK;
}

/* h, variance, r, g from a. */
HFY_COLD_ void hfy_kernel_gradient_(hfy_kernel_course_ *c) {
  size_t i;
  hfy_kernel_times_(&c->v, c->a, c->h);
  for (i = 0; i < c->P; i++) {
    const double e = exp(-fabs(c->h[i]));
    c->variance[i] = e / ((1 + e) * (1 + e));
    c->r[i] = hfy_kernel_residual_(hfy_kernel_bit_(c->v.k.patterns + i * c->v.words, c->neuron), c->h[i],
                                   c->lambda * c->a[i]);
  }
  hfy_kernel_times_(&c->v, c->r, c->g);
}

/* G = K D K */
HFY_COLD_ void hfy_kernel_fisher_(hfy_kernel_course_ *c) {
  const size_t P = c->P;
  size_t i;
  for (i = 0; i < P * P; i++) c->scaled[i] = c->variance[i / P] * c->v.K[i];
  hfy_linalg_multiply_(c->v.simd, P, P, P, hfy_linalg_rows_(c->v.K, P), hfy_linalg_rows_(c->scaled, P),
                       hfy_linalg_set_(c->fisher, P), c->gemm);
}

/* grad.G^-1 grad = sum of r^2 / variance, plain and in logarithms; |G^-1 grad|^2 with step = G^-1 grad = K^-1 r /
   variance. over_i = -ln variance = |h| + 2 ln(1 + e^-|h|). */
HFY_COLD_ void hfy_kernel_natural_(hfy_kernel_course_ *c, hfy_kernel_fisher *out) {
  const size_t P = c->P;
  const double ln10 = 2.302585092994046;
  double most = -HUGE_VAL, top = -HUGE_VAL, sum = 0, norm, *over = c->work;
  size_t i;
  for (i = 0; i < P; i++) {
    const double e = exp(-fabs(c->h[i])), l = log(fabs(c->r[i]));
    over[i] = fabs(c->h[i]) + 2 * log1p(e);
    if (2 * l + over[i] > most) most = 2 * l + over[i];
    if (l + over[i] > top) top = l + over[i];
    if (c->r[i] > 0 || c->r[i] < 0) out->riemannian += e > 0 ? c->r[i] * ((1 + e) * (1 + e) / e) * c->r[i] : HUGE_VAL;
  }
  for (i = 0; i < P && most > -HUGE_VAL; i++) sum += exp(2 * log(fabs(c->r[i])) + over[i] - most);
  out->log10_riemannian = sum > 0 ? (most + log(sum)) / ln10 : -HUGE_VAL;
  out->natural = out->log10_natural = hfy_base_nan_();
  if (!c->factor || c->singular) return;
  for (i = 0; i < P; i++) {
    const double size = c->r[i] > 0 || c->r[i] < 0 ? exp(log(fabs(c->r[i])) + over[i] - top) : 0;
    c->step[i] = c->r[i] < 0 ? -size : size;
  }
  hfy_linalg_cholesky_solve_(c->factor, P, c->step);
  norm = hfy_linalg_dot_(c->step, c->step, P);
  out->log10_natural = norm > 0 ? (2 * top + log(norm)) / ln10 : -HUGE_VAL;
  for (i = 0; i < P; i++) c->step[i] = norm > 0 ? c->step[i] * exp(top < 709 ? top : 709.0) : 0;
  out->natural = !(norm > 0) ? 0 : top < 350 ? hfy_linalg_dot_(c->step, c->step, P) : pow(10, out->log10_natural);
}

/* All of hfy_kernel_fisher after hfy_kernel_gradient_; step becomes the natural step. */
HFY_COLD_ void hfy_kernel_measure_(hfy_kernel_course_ *c, hfy_kernel_fisher *out) {
  const size_t P = c->P;
  size_t i;
  memset(out, 0, sizeof *out);
  out->loss = hfy_kernel_loss_(&c->v, c->neuron, c->a, c->h, c->lambda);
  out->euclidean = hfy_linalg_dot_(c->g, c->g, P);
  hfy_kernel_natural_(c, out);
  out->sharpness = hfy_kernel_largest_(&c->v, c->variance, c->lambda);
  out->damped_riemannian = out->damped_natural = hfy_base_nan_();
  if (!(c->damping > 0)) return;
  hfy_kernel_fisher_(c);
  for (i = 0; i < P; i++) c->fisher[i * P + i] += c->damping;
  if (hfy_linalg_cholesky_(c->fisher, P)) return;
  memcpy(c->work, c->g, P * sizeof(double));
  hfy_linalg_cholesky_solve_(c->fisher, P, c->work);
  out->damped_riemannian = hfy_linalg_dot_(c->g, c->work, P);
  out->damped_natural = hfy_linalg_dot_(c->work, c->work, P);
}

HFY_COLD_ hfy_status hfy_kernel_singular_(hfy_work *w) {
  return hfy_base_fail_(w, HFY_ERR_SINGULAR,
                        "K is singular (equal patterns?): there is no natural step; all else is written");
}

HFY_API hfy_status hfy_kernel_information(const hfy_kernel *kernel, size_t neuron, const double *a, const double *gram,
                                          double lambda, double damping, hfy_kernel_fisher *fisher, double *gradient,
                                          double *step, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_kernel_course_ c;
  hfy_status status;
  memset(&c, 0, sizeof c);
  c.neuron = neuron;
  c.lambda = lambda;
  c.damping = damping;
  status = hfy_kernel_open_course_(kernel, gram, 1, !a ? "a" : !fisher ? "fisher" : NULL, &c, w);
  if (!status && hfy_kernel_check_finite_(a, c.P, "a", w)) status = HFY_ERR_NONFINITE;
  if (!status) {
    memcpy(c.a, a, c.P * sizeof(double));
    hfy_kernel_gradient_(&c);
    hfy_kernel_measure_(&c, fisher);
    if (gradient) memcpy(gradient, c.g, c.P * sizeof(double));
    if (step && !c.singular) memcpy(step, c.step, c.P * sizeof(double));
    if (c.singular) status = hfy_kernel_singular_(w);
  }
  return hfy_base_close_(w, &local, status);
}

/* --- the way of gradient descent, gone twice: to find its end, then along it --- */

/* The end: its direction, and the eigenvalues of G* = K D K there. */
HFY_COLD_ hfy_status hfy_kernel_goal_(hfy_kernel_course_ *c) {
  const size_t P = c->P;
  hfy_status status;
  double sum = 0;
  size_t i;
  memcpy(c->goal, c->in_logits ? c->h : c->a, P * sizeof(double));
  memcpy(c->ends, c->variance, P * sizeof(double));
  c->out.length = sqrt(hfy_linalg_dot_(c->goal, c->goal, P));
  for (i = 0; i < P; i++) c->goal[i] /= c->out.length;
  hfy_kernel_fisher_(c);
  hfy_kernel_symmetric_(c->fisher, P);
  status = hfy_linalg_symmetric_run_(&c->eigen, c->fisher, c->values, c->vectors);
  if (status) return status;
  for (i = 0; i < P; i++) sum += c->values[i];
  c->out.fisher_1 = c->values[0];
  c->out.fisher_2 = P > 1 ? c->values[1] : 0;
  c->out.concentration = c->values[0] / sum;
  c->out.ambiguous = P > 1 && c->values[0] < 1.01 * c->values[1];
  c->out.last_principal = SIZE_MAX;
  return HFY_OK;
}

/* Where the descent stands after t steps: how far along, how far off the straight line. */
HFY_COLD_ void hfy_kernel_place_(hfy_kernel_course_ *c, size_t t) {
  const double *x = c->in_logits ? c->h : c->a, along = hfy_linalg_dot_(x, c->goal, c->P);
  double off = 0;
  size_t i;
  for (i = 0; i < c->P; i++) off += (x[i] - along * c->goal[i]) * (x[i] - along * c->goal[i]);
  off = sqrt(off) / c->out.length;
  if (c->out.progress) c->out.progress[t] = along / c->out.length;
  if (c->out.deviation) c->out.deviation[t] = off;
  if (off > c->out.most) c->out.most_at = t;
  if (off > c->out.most) c->out.most = off;
  if (c->out.fisher) hfy_kernel_measure_(c, c->out.fisher + t);
}

/* The information gain of step t, 1/2 delta.G* delta, along the first eigenvector and beside it. */
HFY_COLD_ void hfy_kernel_gain_(hfy_kernel_course_ *c, size_t t) {
  const size_t P = c->P;
  const double *way = c->in_logits ? c->work : c->moved;
  double first, principal, tail = 0;
  size_t i;
  for (i = 0; i < P; i++) c->moved[i] = -c->eta * c->g[i];
  first = hfy_linalg_dot_(c->vectors, c->moved, P);
  principal = 0.5 * c->values[0] * first * first;
  if (c->in_logits) hfy_kernel_times_(&c->v, c->moved, c->work);
  c->out.path += sqrt(hfy_linalg_dot_(way, way, P));
  /* what is left, measured by itself: never negative */
  hfy_linalg_axpy_(-first, c->vectors, c->moved, P);
  hfy_kernel_times_(&c->v, c->moved, c->work);
  for (i = 0; i < P; i++) tail += 0.5 * c->ends[i] * c->work[i] * c->work[i];
  if (c->out.principal) c->out.principal[t] = principal;
  if (c->out.tail) c->out.tail[t] = tail;
  c->out.sum_principal += principal;
  c->out.sum_tail += tail;
  if (principal > tail) c->out.last_principal = t;
}

HFY_COLD_ hfy_status hfy_kernel_go_(hfy_kernel_course_ *c, int measured, hfy_work *w) {
  size_t t;
  memset(c->a, 0, c->P * sizeof(double));
  for (t = 0;; t++) {
    hfy_kernel_gradient_(c);
    if (!hfy_base_is_finite_(hfy_linalg_largest_(c->g, c->P))) return hfy_kernel_left_range_(t, w);
    if (measured) hfy_kernel_place_(c, t);
    if (t == c->steps) return HFY_OK;
    if (measured) hfy_kernel_gain_(c, t);
    hfy_linalg_axpy_(-c->eta, c->g, c->a, c->P);
  }
}

HFY_API HFY_SMALL_ hfy_status hfy_kernel_follow(const hfy_kernel *kernel, size_t neuron, const double *gram,
                                                double eta, double lambda, size_t steps, int in_logits,
                                                double damping, hfy_kernel_path *path, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_kernel_course_ c;
  hfy_status status;
  memset(&c, 0, sizeof c);
  c.neuron = neuron;
  c.lambda = hfy_base_default_(lambda, 0.01);
  c.damping = damping;
  c.steps = steps;
  c.eta = hfy_base_default_(eta, 0.1);
  c.in_logits = in_logits;
  if (path) c.out = *path;
  c.out.path = c.out.sum_principal = c.out.sum_tail = c.out.most = 0;
  c.out.most_at = 0;
  status = hfy_kernel_open_course_(kernel, gram, c.out.fisher != NULL, !path ? "path" : NULL, &c, w);
  if (!status && !steps) status = hfy_base_fail_(w, HFY_ERR_ARG, "steps is 0: a path of no steps has no direction");
  if (!status) status = hfy_kernel_go_(&c, 0, w);
  if (!status && hfy_kernel_goal_(&c))
    status = hfy_base_fail_(w, HFY_ERR_CONVERGENCE, "QL did not converge on the Fisher information");
  if (!status) status = hfy_kernel_go_(&c, 1, w);
  c.out.path /= c.out.length;
  if (!status) *path = c.out;
  if (!status && path->fisher && c.singular) status = hfy_kernel_singular_(w);
  return hfy_base_close_(w, &local, status);
}

#undef HFY_KERNEL_ONCE_
#undef hfy_kernel_distances_fast_
#endif /* HFY_HAS_KERNEL_ */

#ifdef HFY_HAS_RATE_
/* ------------------------------------------------------------------------------------------------------------------
   >>rate.impl   graded attractor networks
   Shapes: patterns count x dim by rows (the transpose of the paper's R), W dim x dim, w[i*dim + j] from j to i.
   May call: base, simd, linalg, net (its types).   Everything in double.
   Equations (RATE): dynamics 1-3, weights 4, 8, 20, 24, their moments 6, 7, J 5, its spectrum 10-19, 21-23.
   Numerics: g and its kin are written so that nothing cancels and nothing overflows before the result does; dense
   weights by QR, never by the normal equations, and refined once; differences of averages (delta, gap) as averages of
   differences. The sparse problem is solved in Gram form with its Cholesky factor kept up to date, and polished.
   A call that fails before it has scratch returns at once: there is nothing to close.
   ------------------------------------------------------------------------------------------------------------------ */
static const double hfy_rate_pi_ = 3.141592653589793238463;

/* What a number should be: low .. high, `above` without low, `below` without high. */
typedef struct hfy_rate_range_ {
  double low, high;
  int above, below;
  const char *text;
} hfy_rate_range_;

static const hfy_rate_range_ hfy_rate_finite_ = {-HUGE_VAL, HUGE_VAL, 1, 1, "finite"};
static const hfy_rate_range_ hfy_rate_from_0_ = {0, HUGE_VAL, 0, 1, "at least 0 and finite"};
static const hfy_rate_range_ hfy_rate_above_0_ = {0, HUGE_VAL, 1, 1, "above 0 and finite"};
static const hfy_rate_range_ hfy_rate_open_ = {0, 1, 1, 1, "above 0 and below 1"};
static const hfy_rate_range_ hfy_rate_share_ = {0, 1, 1, 0, "above 0 and at most 1"};
static const hfy_rate_range_ hfy_rate_cv_ = {0, 1e6, 1, 0, "above 0 and at most 1e6"};
static const hfy_rate_range_ hfy_rate_cv_0_ = {0, 1e6, 0, 0, "at least 0 and at most 1e6"};

HFY_PRIVATE_ int hfy_rate_is_in_(double x, const hfy_rate_range_ *r) {
  return (r->above ? x > r->low : x >= r->low) && (r->below ? x < r->high : x <= r->high);
}

/* --- the unit: RATE eq. 3, x = pi v / sigma --- */

HFY_PRIVATE_ int hfy_rate_is_unit_(const hfy_rate *rate) {
  return rate && rate->power > 0 && rate->power <= DBL_MAX && rate->sigma >= 0 && rate->sigma <= DBL_MAX;
}

/* x^power, exact for 1 */
HFY_PRIVATE_ double hfy_rate_power_(double x, double power) { return power < 1 || power > 1 ? pow(x, power) : x; }
/* A smoothness this small cannot be told from none. */
HFY_PRIVATE_ int hfy_rate_is_sharp_(const hfy_rate *rate) { return !(rate->sigma > 1e-290); }

HFY_API double hfy_rate_g(const hfy_rate *rate, double v) {
  double scale, x;
  if (!hfy_rate_is_unit_(rate) || hfy_base_is_nan_(v)) return hfy_base_nan_();
  if (hfy_rate_is_sharp_(rate)) return v > 0 ? hfy_rate_power_(v, rate->power) : 0;
  scale = rate->sigma / hfy_rate_pi_;
  x = v / scale;
  if (x < -37) return exp(rate->power * (log(scale) + x)); /* softplus is e^x, which may underflow before g does */
  return hfy_rate_power_((v > 0 ? v : 0) + scale * log1p(exp(-fabs(x))), rate->power);
}

HFY_API double hfy_rate_slope(const hfy_rate *rate, double v) {
  double scale, x, e;
  if (!hfy_rate_is_unit_(rate) || hfy_base_is_nan_(v)) return hfy_base_nan_();
  if (hfy_rate_is_sharp_(rate)) return v > 0 ? rate->power * hfy_rate_power_(v, rate->power - 1) : 0;
  scale = rate->sigma / hfy_rate_pi_;
  x = v / scale;
  if (x < -37) return rate->power * exp(rate->power * (log(scale) + x)) / scale;
  e = exp(-fabs(x));
  return rate->power * pow((v > 0 ? v : 0) + scale * log1p(e), rate->power - 1) * ((x >= 0 ? 1 : e) / (1 + e));
}

HFY_API double hfy_rate_inverse(const hfy_rate *rate, double r) {
  double s, y, scale;
  if (!hfy_rate_is_unit_(rate) || !(r >= 0)) return hfy_base_nan_();
  if (hfy_base_is_pos_inf_(r)) return r;
  s = hfy_rate_power_(r, 1 / rate->power);
  if (hfy_rate_is_sharp_(rate)) return s;
  if (!(r > 0)) return -HUGE_VAL;
  scale = rate->sigma / hfy_rate_pi_;
  y = s / scale;
  if (y < 1e-17) return scale * (log(r) / rate->power - log(scale));
  return y < 0.7 ? scale * log(expm1(y)) : s + scale * log1p(-exp(-y));
}

HFY_API double hfy_rate_slope_at(const hfy_rate *rate, double r) {
  double y, steep;
  if (!hfy_rate_is_unit_(rate) || !(r >= 0)) return hfy_base_nan_();
  if (!(r > 0)) return 0;
  steep = rate->power * hfy_rate_power_(r, (rate->power - 1) / rate->power);
  if (hfy_rate_is_sharp_(rate)) return steep;
  y = hfy_rate_power_(r, 1 / rate->power) * hfy_rate_pi_ / rate->sigma;
  if (y < 1e-17) return rate->power * hfy_rate_pi_ * (r / rate->sigma);
  return steep * -expm1(-y);
}

/* --- what is checked everywhere --- */

HFY_COLD_ hfy_status hfy_rate_number_(const char *name, double x, const hfy_rate_range_ *range, hfy_work *work) {
  return hfy_rate_is_in_(x, range) ? HFY_OK : hfy_base_should_(work, "", name, x, range->text);
}

/* The same for count rows of dim. */
HFY_COLD_ hfy_status hfy_rate_numbers_(const char *row, const double *x, size_t count, size_t dim,
                                       const hfy_rate_range_ *range, hfy_work *work) {
  size_t i;
  for (i = 0; i < count * dim; i++)
    if (!hfy_rate_is_in_(x[i], range))
      return hfy_base_fail_(work, HFY_ERR_ARG, "%s %z, unit %z is %g; it should be %s", row, i / dim, i % dim, x[i],
                            range->text);
  return HFY_OK;
}

HFY_COLD_ hfy_status hfy_rate_check_(const hfy_rate *rate, hfy_work *work) {
  hfy_status status = hfy_base_null_(work, rate ? NULL : "rate");
  if (!status) status = hfy_rate_number_("rate->power", rate->power, &hfy_rate_above_0_, work);
  if (!status) status = hfy_rate_number_("rate->sigma", rate->sigma, &hfy_rate_from_0_, work);
  return status ? status : hfy_rate_number_("rate->theta", rate->theta, &hfy_rate_finite_, work);
}

HFY_COLD_ hfy_status hfy_rate_check_sizes_(size_t count, size_t dim, hfy_work *work) {
  const size_t more = count > dim ? count : dim;
  if (!count || !dim)
    return hfy_base_fail_(work, HFY_ERR_ARG, "count is %z and dim %z; both should be at least 1", count, dim);
  if (hfy_base_fits_(more, more, sizeof(double))) return HFY_OK;
  return hfy_base_fail_(work, HFY_ERR_ARG, "count %z, dim %z: arrays of that size cannot exist", count, dim);
}

/* What a call is given: w (RUN), w and patterns (AT: zeros if sigma = 0), patterns > 0 (DENSE), >= 0 (SPARSE). */
enum { HFY_RATE_RUN_, HFY_RATE_AT_, HFY_RATE_DENSE_, HFY_RATE_SPARSE_ };

typedef struct hfy_rate_in_ {
  const hfy_rate *rate;
  const double *w, *r;
  size_t count, dim;
  hfy_work *work;
  const hfy_simd_ *simd;
  hfy_base_arena_ arena;
} hfy_rate_in_;

/* The start of most calls: checks what is there, chooses the kernels. missing: an argument that is NULL, or NULL. */
HFY_COLD_ hfy_status hfy_rate_enter_(hfy_rate_in_ *in, int what, const char *missing) {
  const int zeros = what == HFY_RATE_SPARSE_ || (what == HFY_RATE_AT_ && in->rate && !(in->rate->sigma > 0));
  hfy_work *work = in->work;
  hfy_status status;
  in->simd = hfy_simd_choose_(work);
  if (!in->simd) return HFY_ERR_UNSUPPORTED;
  if ((status = hfy_rate_check_(in->rate, work)) || (status = hfy_rate_check_sizes_(in->count, in->dim, work)) ||
      (what <= HFY_RATE_AT_ &&
       ((status = hfy_base_null_(work, in->w ? NULL : "w")) ||
        (status = hfy_rate_numbers_("w: row", in->w, in->dim, in->dim, &hfy_rate_finite_, work)))) ||
      (what != HFY_RATE_RUN_ &&
       ((status = hfy_base_null_(work, in->r ? NULL : "r")) ||
        (status = hfy_rate_numbers_("r: pattern", in->r, in->count, in->dim,
                                    zeros ? &hfy_rate_from_0_ : &hfy_rate_above_0_, work)))))
    return status;
  return hfy_base_null_(work, missing);
}

/* Up to four arrays of n (NULL: fewer). */
HFY_COLD_ void hfy_rate_take_(hfy_base_arena_ *arena, size_t n, double **a, double **b, double **c, double **d) {
  *a = HFY_TAKE_(arena, double, n);
  if (b) hfy_rate_take_(arena, n, b, c, d, NULL);
}

/* --- patterns --- */

/* The cosine half of Box-Muller: two draws, nothing cached. */
HFY_COLD_ double hfy_rate_normal_(hfy_rng *rng) {
  hfy_rng draw = hfy_rng_seed(rng->state);
  const double z = hfy_rng_normal(&draw);
  rng->state = draw.state;
  return z;
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_patterns(hfy_rng *rng, double cv, double f, size_t count, size_t dim, double *r,
                                                hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  const double s2 = log1p(cv * cv), s = sqrt(s2);
  hfy_status status;
  size_t i;
  if ((status = hfy_rate_number_("cv", cv, &hfy_rate_cv_0_, w)) ||
      (status = hfy_rate_number_("f", f, &hfy_rate_share_, w)) || (status = hfy_rate_check_sizes_(count, dim, w)) ||
      (status = hfy_base_null_(w, !rng ? "rng" : !r ? "r" : NULL)))
    return status;
  for (i = 0; i < count * dim; i++) {
    const int kept = f < 1 ? hfy_rng_uniform(rng) < f : 1;
    const double one = exp(s * hfy_rate_normal_(rng) - 0.5 * s2);
    r[i] = kept ? one : 0;
  }
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_perturb(hfy_rng *rng, const double *r, size_t count, size_t dim, double noise,
                                               double missing, double *out, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_base_arena_ arena = {NULL, 0, 0};
  size_t *unit = NULL, mu, i, gone;
  hfy_status status = hfy_rate_check_sizes_(count, dim, w);
  if (status || (status = hfy_base_null_(w, !rng ? "rng" : !r ? "r" : !out ? "out" : NULL)) ||
      (status = hfy_rate_number_("noise", noise, &hfy_rate_from_0_, w)))
    return status;
  if (!(missing >= 0 && missing <= 1)) return hfy_base_should_(w, "", "missing", missing, "in 0 .. 1");
  gone = (size_t)floor(missing * (double)dim + 0.5);
  while (hfy_base_layout_(&arena, w, &status)) unit = HFY_TAKE_(&arena, size_t, dim);
  for (mu = 0; !status && mu < count; mu++) {
    const double *from = r + mu * dim;
    double *to = out + mu * dim, mean = 0;
    for (i = 0; i < dim; i++) mean += from[i];
    mean /= (double)dim;
    for (i = 0; i < dim; i++) {
      to[i] = noise > 0 ? from[i] * exp(noise * hfy_rate_normal_(rng)) : from[i];
      unit[i] = i;
    }
    for (i = 0; i < gone; i++) { /* the first of a random order */
      const size_t at = i + (size_t)(hfy_rng_uniform(rng) * (double)(dim - i));
      to[unit[at]] = mean;
      unit[at] = unit[i];
    }
  }
  return hfy_base_close_(w, &local, status);
}

/* --- dense weights: eq. 8, 20 --- */

/* R+ by thin QR, and the solver of W R = B with least norm. Everything is count x dim by rows but w. */
typedef struct hfy_rate_dense_ {
  const hfy_rate_in_ *in;
  int self;
  double *q, *t, *tau;   /* R = Q T */
  double *left, *gamma;  /* dim: 1 - leverage; what the diagonal takes off */
  double *v, *x, *gemm;  /* right-hand sides */
} hfy_rate_dense_;
HFY_COLD_ void hfy_rate_plan_dense_(hfy_rate_in_ *in, int self, hfy_rate_dense_ *s) {
  hfy_base_arena_ *arena = &in->arena;
  const size_t p = in->count, n = in->dim;
  s->in = in;
  s->self = self;
  hfy_rate_take_(arena, hfy_base_times_(p, n), &s->q, &s->v, &s->x, NULL);
  hfy_rate_take_(arena, hfy_base_times_(p, p), &s->t, NULL, NULL, NULL);
  hfy_rate_take_(arena, n, &s->left, &s->gamma, &s->tau, NULL);
  s->gemm = HFY_TAKE_(arena, double, hfy_linalg_gemm_scratch_(n, n, n, sizeof(double)));
}

/* For weights: few enough patterns > 0, or patterns >= 0, the sharp unit and a margin. */
HFY_COLD_ hfy_status hfy_rate_enter_weights_(hfy_rate_in_ *in, int sparse, int self, double margin,
                                             const char *missing) {
  const size_t most = sparse ? SIZE_MAX : in->dim - (self ? 0 : 1);
  hfy_status status = hfy_rate_enter_(in, sparse ? HFY_RATE_SPARSE_ : HFY_RATE_DENSE_, NULL);
  if (!status && in->count > most)
    status = hfy_base_fail_(in->work, HFY_ERR_INFEASIBLE, "count is %z; %z units can hold %z dense patterns at most",
                            in->count, in->dim, most);
  if (!status && sparse && in->rate->sigma > 0)
    status = hfy_base_fail_(in->work, HFY_ERR_ARG, "rate->sigma is %g; sparse patterns need 0", in->rate->sigma);
  if (!status && sparse) status = hfy_rate_number_("margin", margin, &hfy_rate_from_0_, in->work);
  return status ? status : hfy_base_null_(in->work, missing);
}

/* R+, and v = g^-1(r) + theta: what each unit must get. */
HFY_COLD_ hfy_status hfy_rate_factor_(const hfy_rate_dense_ *s, double theta) {
  const size_t p = s->in->count, n = s->in->dim;
  double big = 0;
  size_t i, k;
  memcpy(s->q, s->in->r, p * n * sizeof *s->q);
  hfy_linalg_thin_qr_(s->q, p, n, s->t, s->tau);
  for (k = 0; k < p; k++) big = fabs(s->t[k * p + k]) > big ? fabs(s->t[k * p + k]) : big;
  for (k = 0; k < p; k++)
    if (!(fabs(s->t[k * p + k]) > 1e-12 * big))
      return hfy_base_fail_(s->in->work, HFY_ERR_SINGULAR,
                            "pattern %z is a combination of those before it; they should be independent", k);
  for (i = 0; i < n; i++) s->left[i] = 1;
  for (i = 0; i < p * n; i++) {
    s->left[i % n] -= s->q[i] * s->q[i];
    s->v[i] = hfy_rate_inverse(s->in->rate, s->in->r[i]) + theta;
  }
  for (i = 0; !s->self && i < n; i++)
    if (!(s->left[i] > 1e-12))
      return hfy_base_fail_(s->in->work, HFY_ERR_SINGULAR,
                            "the patterns pin unit %z to itself; no weights without self-coupling do that", i);
  return HFY_OK;
}

/* x <- X T^-1 in blocks, so that most is a matrix product; gamma = diag(X Q^T) / left, or 0 with self-coupling. */
HFY_COLD_ void hfy_rate_forward_(const hfy_rate_dense_ *s) {
  const size_t p = s->in->count, n = s->in->dim;
  const double *t = s->t;
  double *x = s->x;
  size_t k0, k, j, i;
  for (k0 = 0; k0 < p; k0 += 32) {
    const size_t end = hfy_base_min_(k0 + 32, p);
    hfy_linalg_multiply_(s->in->simd, end - k0, n, k0, hfy_linalg_turned_(t + k0, p), hfy_linalg_rows_(x, n),
                         hfy_linalg_less_(x + k0 * n, n), s->gemm);
    for (k = k0; k < end; k++) {
      for (j = k0; j < k; j++) hfy_linalg_axpy_(-t[j * p + k], x + j * n, x + k * n, n);
      for (i = 0; i < n; i++) x[k * n + i] /= t[k * p + k];
    }
  }
  memset(s->gamma, 0, n * sizeof *s->gamma);
  for (i = 0; !s->self && i < p * n; i++) s->gamma[i % n] += x[i] * s->q[i];
  for (i = 0; !s->self && i < n; i++) s->gamma[i] /= s->left[i];
}

/* w = W of least norm with W R = B (+ w, with add), B given by its transpose in s->x, which is used up:
   V R+ - diag(gamma) (I - Q Q^T) = (X + diag(gamma) Q) Q^T - diag(gamma), whose diagonal is 0. */
HFY_COLD_ void hfy_rate_solve_(const hfy_rate_dense_ *s, int add, double *w) {
  const size_t p = s->in->count, n = s->in->dim;
  size_t i;
  hfy_rate_forward_(s);
  for (i = 0; !s->self && i < p * n; i++) s->x[i] += s->gamma[i % n] * s->q[i];
  hfy_linalg_multiply_(s->in->simd, n, n, p, hfy_linalg_turned_(s->x, n), hfy_linalg_rows_(s->q, n),
                       add ? hfy_linalg_add_(w, n) : hfy_linalg_set_(w, n), s->gemm);
  for (i = 0; !s->self && i < n; i++) w[i * n + i] = 0;
}

/* s->x = V - W R, transposed; returns the largest of it. */
HFY_COLD_ double hfy_rate_defect_(const hfy_rate_dense_ *s, const double *w) {
  const size_t p = s->in->count, n = s->in->dim;
  memcpy(s->x, s->v, p * n * sizeof *s->x);
  hfy_linalg_multiply_(s->in->simd, p, n, n, hfy_linalg_rows_(s->in->r, n), hfy_linalg_turned_(w, n),
                       hfy_linalg_less_(s->x, n), s->gemm);
  return hfy_linalg_largest_(s->x, p * n);
}

/* w for the right-hand side s->v, refined once and checked. */
HFY_COLD_ hfy_status hfy_rate_weigh_(const hfy_rate_dense_ *s, double *w) {
  const size_t all = s->in->count * s->in->dim;
  double defect;
  if (hfy_rate_numbers_("g^-1 of pattern", s->v, s->in->count, s->in->dim, &hfy_rate_finite_, s->in->work))
    return HFY_ERR_NONFINITE;
  memcpy(s->x, s->v, all * sizeof *s->x);
  hfy_rate_solve_(s, 0, w);
  hfy_rate_defect_(s, w);
  hfy_rate_solve_(s, 1, w);
  defect = hfy_rate_defect_(s, w);
  if (defect <= 1e-9 * (1 + hfy_linalg_largest_(s->v, all))) return HFY_OK;
  return hfy_base_fail_(s->in->work, HFY_ERR_SINGULAR, "the patterns are nearly dependent: |W R - V| is %g", defect);
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_weights(const hfy_rate *rate, const double *r, size_t count, size_t dim,
                                               int self, double *w, hfy_work *work) {
  hfy_work local, *k = hfy_base_open_(work, &local);
  hfy_rate_in_ in = {rate, NULL, r, count, dim, k, NULL, {NULL, 0, 0}};
  hfy_rate_dense_ s;
  double *made = NULL;
  hfy_status status = hfy_rate_enter_weights_(&in, 0, self, 0, w ? NULL : "w");
  while (hfy_base_layout_(&in.arena, k, &status)) {
    hfy_rate_plan_dense_(&in, self, &s);
    made = HFY_TAKE_(&in.arena, double, dim * dim);
  }
  if (!status && !(status = hfy_rate_factor_(&s, rate->theta)) && !(status = hfy_rate_weigh_(&s, made)))
    memcpy(w, made, dim * dim * sizeof *w);
  return hfy_base_close_(k, &local, status);
}

/* Keys R+ = T^-1 Q^T, values V + gamma R, self-coupling gamma. */
HFY_COLD_ hfy_status hfy_rate_keys_(const hfy_rate_dense_ *s, hfy_real *keys, hfy_real *values,
                                    hfy_real *self_coupling) {
  const size_t p = s->in->count, n = s->in->dim;
  const hfy_rate_range_ real = {-HFY_REAL_MAX_, HFY_REAL_MAX_, 1, 1, "in the range of hfy_real"};
  const hfy_status status = hfy_rate_factor_(s, s->in->rate->theta);
  size_t i, mu, nu;
  if (status) return status;
  if (hfy_rate_numbers_("g^-1 of pattern", s->v, p, n, &real, s->in->work)) return HFY_ERR_NONFINITE;
  memcpy(s->x, s->v, p * n * sizeof *s->x);
  hfy_rate_forward_(s);
  for (mu = p; mu-- > 0;) {
    double *row = s->q + mu * n;
    for (nu = mu + 1; nu < p; nu++) hfy_linalg_axpy_(-s->t[mu * p + nu], s->q + nu * n, row, n);
    for (i = 0; i < n; i++) row[i] /= s->t[mu * p + mu];
  }
  for (i = 0; i < p * n; i++) {
    keys[i] = (hfy_real)s->q[i];
    values[i] = (hfy_real)(s->v[i] + s->gamma[i % n] * s->in->r[i]);
  }
  for (i = 0; i < n; i++) self_coupling[i] = (hfy_real)s->gamma[i];
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_net(const hfy_rate *rate, const double *r, size_t count, size_t dim, int self,
                                           double step, hfy_real *keys, hfy_real *values, hfy_real *self_coupling,
                                           hfy_net *net, hfy_work *work) {
  hfy_work local, *k = hfy_base_open_(work, &local);
  hfy_rate_in_ in = {rate, NULL, r, count, dim, k, NULL, {NULL, 0, 0}};
  hfy_rate_dense_ s;
  const char *null = !keys ? "keys" : !values ? "values" : !self_coupling ? "self_coupling" : net ? NULL : "net";
  hfy_status status = hfy_rate_enter_weights_(&in, 0, self, 0, null);
  if (!status) status = hfy_rate_number_("step", step, &hfy_rate_share_, k);
  while (hfy_base_layout_(&in.arena, k, &status)) hfy_rate_plan_dense_(&in, self, &s);
  if (!status && !(status = hfy_rate_keys_(&s, keys, values, self_coupling))) {
    memset(net, 0, sizeof *net);
    net->dim = dim;
    net->count = count;
    net->keys = keys;
    net->values = values;
    net->self_coupling = self_coupling;
    net->sim = HFY_SIM_DOT;
    net->beta = 1;
    net->sep.kind = HFY_SEP_IDENTITY;
    net->post.kind = HFY_POST_RECTIFIED_POWER;
    net->post.power = rate->power;
    net->post.sigma = rate->sigma;
    net->post.theta = rate->theta;
    net->step = step;
  }
  return hfy_base_close_(k, &local, status);
}

/* --- sparse weights: one quadratic program a row (eq. 4, 24) --- */

/* One row at work: K_i lambda = b where r_i > 0, else <= b; K_i is the Gram matrix without unit i. */
typedef struct hfy_rate_row_ {
  const struct hfy_rate_sparse_ *all;
  size_t i, k, rank;          /* k constraints are active, at most rank */
  double *l, *g;              /* most x most: Cholesky factor of the active in K_i; most x count: rows of gram */
  double *r, *s, *b, *lambda; /* count: rates of unit i, residuals, right-hand sides, multipliers */
  double *across;             /* count: a direction */
  double *y, *d, *u;          /* most; u: lambda of the active */
  size_t *active;             /* most */
  unsigned char *on;          /* count */
} hfy_rate_row_;

/* All rows, shared out. */
typedef struct hfy_rate_sparse_ {
  const hfy_rate_in_ *in;
  double *gram, *gemm;      /* gram: count x count, r^mu . r^nu */
  size_t most, used, tasks; /* most: active constraints; used: units that are not silent throughout */
  unsigned char *alive;     /* dim: not silent throughout */
  double theta, margin, *w;
  const hfy_rate_rows *report;
  hfy_rate_row_ *row; /* tasks */
  hfy_status *status;   /* dim */
  size_t first, failed; /* of the rows without a solution; how many */
} hfy_rate_sparse_;
HFY_COLD_ void hfy_rate_plan_sparse_(hfy_rate_in_ *in, double margin, double *w, hfy_rate_sparse_ *s) {
  hfy_base_arena_ *arena = &in->arena;
  const size_t count = in->count, most = hfy_base_min_(count, in->dim);
  size_t task;
  memset(s, 0, sizeof *s);
  s->in = in;
  s->theta = in->rate->theta;
  s->margin = margin;
  s->w = w;
  s->most = most;
  s->tasks = hfy_base_min_(hfy_base_workers_(), in->dim);
  s->gram = HFY_TAKE_(arena, double, hfy_base_times_(count, count));
  s->gemm = HFY_TAKE_(arena, double, hfy_linalg_gemm_scratch_(count, count, in->dim, sizeof(double)));
  s->alive = HFY_TAKE_(arena, unsigned char, in->dim);
  s->row = HFY_TAKE_(arena, hfy_rate_row_, s->tasks);
  s->status = HFY_TAKE_(arena, hfy_status, in->dim);
  for (task = 0; task < s->tasks; task++) {
    hfy_rate_row_ none, *row = s->row ? &s->row[task] : &none;
    row->all = s;
    row->l = HFY_TAKE_(arena, double, hfy_base_times_(most, most));
    row->g = HFY_TAKE_(arena, double, hfy_base_times_(most, count));
    hfy_rate_take_(arena, count, &row->r, &row->s, &row->b, &row->lambda);
    row->across = HFY_TAKE_(arena, double, count);
    hfy_rate_take_(arena, most, &row->y, &row->d, &row->u, NULL);
    row->active = HFY_TAKE_(arena, size_t, most);
    row->on = HFY_TAKE_(arena, unsigned char, count);
  }
}

HFY_COLD_ void hfy_rate_gram_(hfy_rate_sparse_ *s) {
  const size_t p = s->in->count, n = s->in->dim;
  size_t i;
  hfy_linalg_gram_(s->in->simd, p, n, hfy_linalg_rows_(s->in->r, n), s->gram, s->gemm);
  memset(s->alive, 0, n);
  for (i = 0; i < p * n; i++)
    if (s->in->r[i] > 0) s->alive[i % n] = 1;
  for (i = 0; i < n; i++) s->used += s->alive[i];
}

/* x <- L^-1 x over the active; x <- L^-T x */
HFY_PRIVATE_ void hfy_rate_lower_(const hfy_rate_row_ *row, double *x) {
  const size_t most = row->all->most;
  size_t i;
  for (i = 0; i < row->k; i++) x[i] = (x[i] - hfy_linalg_dot_(row->l + i * most, x, i)) / row->l[i * most + i];
}

HFY_PRIVATE_ void hfy_rate_upper_(const hfy_rate_row_ *row, double *x) {
  size_t i;
  for (i = row->k; i-- > 0;) {
    const double *l = row->l + i * row->all->most;
    x[i] /= l[i];
    hfy_linalg_axpy_(-x[i], l, x, i);
  }
}

/* out = sum over the active of x_a K_i[a, .] */
HFY_PRIVATE_ void hfy_rate_combine_(const hfy_rate_row_ *row, const double *x, double *out) {
  const hfy_rate_sparse_ *s = row->all;
  double own = 0;
  size_t a, mu;
  for (a = 0; a < row->k; a++) own += x[a] * row->r[row->active[a]];
  hfy_linalg_apply_(s->in->simd, s->in->count, row->k, hfy_linalg_turned_(row->g, s->in->count), x,
                    hfy_linalg_set_(out, 1));
  for (mu = 0; mu < s->in->count; mu++) out[mu] -= own * row->r[mu];
}

/* K_i[p, p], the square of pattern p without unit i; 0 if it may be rounding alone (of any sign if products fuse). */
HFY_PRIVATE_ double hfy_rate_own_(const hfy_rate_row_ *row, size_t p) {
  const hfy_rate_sparse_ *s = row->all;
  const double all = s->gram[p * s->in->count + p], own = all - row->r[p] * row->r[p];
  return own > 4e-16 * (double)s->in->dim * all ? own : 0;
}

/* y = L^-1 K_i[active, p]; returns what the active leave of p's square `own`. *full: rounding, or no weight is free. */
HFY_PRIVATE_ double hfy_rate_reach_(const hfy_rate_row_ *row, size_t p, double own, int *full) {
  const double *gram = row->all->gram + p * row->all->in->count;
  double rest;
  size_t a;
  for (a = 0; a < row->k; a++) {
    const size_t nu = row->active[a];
    row->y[a] = own > 0 ? gram[nu] - row->r[p] * row->r[nu] : 0;
  }
  hfy_rate_lower_(row, row->y);
  rest = own - hfy_linalg_dot_(row->y, row->y, row->k);
  *full = row->k >= row->rank || row->k >= row->all->most || !(rest > 1e-13 * (double)(row->k + 1) * own);
  return rest;
}

/* p becomes active after a reach: y and rest are the new row of the factor. */
HFY_COLD_ void hfy_rate_append_(hfy_rate_row_ *row, size_t p, double rest) {
  const hfy_rate_sparse_ *s = row->all;
  const size_t k = row->k++;
  memcpy(row->l + k * s->most, row->y, k * sizeof *row->y);
  row->l[k * s->most + k] = sqrt(rest);
  memcpy(row->g + k * s->in->count, s->gram + p * s->in->count, s->in->count * sizeof *row->g);
  row->active[k] = p;
  row->on[p] = 1;
}

/* Takes the j-th active constraint out. */
HFY_COLD_ void hfy_rate_remove_(hfy_rate_row_ *row, size_t j) {
  const size_t count = row->all->in->count, behind = row->k - 1 - j;
  hfy_linalg_factor_leave_(row->l, row->all->most, row->k--, j);
  row->on[row->active[j]] = 0;
  memmove(row->g + j * count, row->g + (j + 1) * count, behind * count * sizeof *row->g);
  memmove(row->active + j, row->active + j + 1, behind * sizeof *row->active);
  memmove(row->u + j, row->u + j + 1, behind * sizeof *row->u);
}

/* Right-hand sides; the equalities that are independent become active at once. Returns the first that did not. */
HFY_COLD_ size_t hfy_rate_row_begin_(hfy_rate_row_ *row) {
  const hfy_rate_sparse_ *s = row->all;
  const size_t count = s->in->count;
  size_t mu, a, next;
  row->k = 0;
  row->rank = s->used - s->alive[row->i];
  memset(row->on, 0, count);
  memset(row->lambda, 0, count * sizeof *row->lambda);
  for (mu = 0; mu < count; mu++) {
    const double rate = row->r[mu] = s->in->r[mu * s->in->dim + row->i];
    row->b[mu] = rate > 0 ? hfy_rate_inverse(s->in->rate, rate) + s->theta : s->theta - s->margin;
  }
  for (next = 0; next < count; next++) {
    int full;
    double rest;
    if (!(row->r[next] > 0)) continue;
    rest = hfy_rate_reach_(row, next, hfy_rate_own_(row, next), &full);
    if (full) break;
    hfy_rate_append_(row, next, rest);
  }
  for (a = 0; a < row->k; a++) row->u[a] = row->b[row->active[a]];
  hfy_rate_lower_(row, row->u);
  hfy_rate_upper_(row, row->u);
  hfy_rate_combine_(row, row->u, row->s);
  for (mu = 0; mu < count; mu++) row->s[mu] -= row->b[mu];
  for (a = 0; a < row->k; a++) row->s[row->active[a]] = 0;
  return next;
}

/* The inequality that is violated most, in units of its own length; count: none is. */
HFY_PRIVATE_ size_t hfy_rate_row_worst_(const hfy_rate_row_ *row) {
  double worst = 1e-10, own, v;
  size_t mu, p = row->all->in->count;
  for (mu = 0; mu < row->all->in->count; mu++) {
    if (row->r[mu] > 0 || row->on[mu] || !(row->s[mu] > 0)) continue;
    own = hfy_rate_own_(row, mu);
    v = own > 0 ? row->s[mu] / sqrt(own) : row->s[mu] > 1e-10 ? HUGE_VAL : 0;
    if (!(v > worst)) continue;
    worst = v;
    p = mu;
  }
  return p;
}

/* Steps until constraint p is active or found redundant; INFEASIBLE if it can be neither (Farkas). */
HFY_COLD_ hfy_status hfy_rate_row_enter_(hfy_rate_row_ *row, size_t p) {
  const double own = hfy_rate_own_(row, p), *gram = row->all->gram + p * row->all->in->count;
  double lambda = 0;
  size_t a, mu, drop = 0;
  for (;;) {
    int full;
    const double rest = hfy_rate_reach_(row, p, own, &full), sign = row->r[p] > 0 && row->s[p] < 0 ? -1 : 1;
    const double whole = full ? HUGE_VAL : fabs(row->s[p]) / rest;
    double part = HUGE_VAL, t;
    if (full && row->r[p] > 0 && fabs(row->s[p]) <= 1e-9 * (1 + fabs(row->b[p]))) return HFY_OK;
    memcpy(row->d, row->y, row->k * sizeof *row->d);
    hfy_rate_upper_(row, row->d);
    for (a = 0; a < row->k; a++) { /* the first multiplier that would change its sign */
      const double fall = sign * row->d[a];
      if (row->r[row->active[a]] > 0 || !(fall > 0) || !(-row->u[a] / fall < part)) continue;
      part = -row->u[a] / fall;
      drop = a;
    }
    t = sign * (part < whole ? part : whole);
    if (!hfy_base_is_finite_(t)) return HFY_ERR_INFEASIBLE;
    lambda -= t;
    for (a = 0; a < row->k; a++) row->u[a] += t * row->d[a];
    if (!full) {
      hfy_rate_combine_(row, row->d, row->across);
      for (mu = 0; mu < row->all->in->count; mu++)
        row->s[mu] -= t * (gram[mu] - row->r[p] * row->r[mu] - row->across[mu]);
    }
    if (whole <= part) {
      row->u[row->k] = lambda;
      row->s[p] = 0;
      hfy_rate_append_(row, p, rest);
      return HFY_OK;
    }
    hfy_rate_remove_(row, drop);
  }
}

/* Row i of the weights by a dual active set (math 17; Goldfarb, Idnani 1983): equalities, then the worst inequality. */
HFY_COLD_ hfy_status hfy_rate_row_solve_(hfy_rate_row_ *row, size_t i, double *w, size_t *tight) {
  const hfy_rate_in_ *in = row->all->in;
  const size_t count = in->count;
  size_t next, round, p, a, mu;
  memset(w, 0, in->dim * sizeof *w);
  row->i = i;
  next = hfy_rate_row_begin_(row);
  for (round = 0; round < 20 * count + 100; round++) {
    while (next < count && !(row->r[next] > 0)) next++;
    p = next < count ? next++ : hfy_rate_row_worst_(row);
    if (p == count) break;
    if (hfy_rate_row_enter_(row, p)) return HFY_ERR_INFEASIBLE;
  }
  if (round == 20 * count + 100) return HFY_ERR_CONVERGENCE;
  for (round = 0; round < 3; round++) { /* refined: what is active holds exactly */
    hfy_rate_combine_(row, row->u, row->across);
    for (a = 0; a < row->k; a++) row->y[a] = row->b[row->active[a]] - row->across[row->active[a]];
    hfy_rate_lower_(row, row->y);
    hfy_rate_upper_(row, row->y);
    for (a = 0; a < row->k; a++) row->u[a] += row->y[a];
  }
  for (a = 0; a < row->k; a++) {
    *tight += !(row->r[row->active[a]] > 0);
    row->lambda[row->active[a]] = row->u[a];
  }
  for (mu = 0; mu < count; mu++) /* ascending: the bits do not depend on the order of entering */
    if (row->on[mu]) hfy_linalg_axpy_(row->lambda[mu], in->r + mu * in->dim, w, in->dim);
  w[i] = 0;
  return HFY_OK;
}

HFY_COLD_ void hfy_rate_rows_share_(void *context, size_t task) {
  const hfy_rate_sparse_ *s = (const hfy_rate_sparse_ *)context;
  const hfy_rate_rows *report = s->report;
  hfy_rate_row_ *row = &s->row[task];
  size_t i;
  for (i = task; i < s->in->dim; i += s->tasks) {
    size_t tight = 0;
    s->status[i] = hfy_rate_row_solve_(row, i, s->w + i * s->in->dim, &tight);
    if (report && report->status) report->status[i] = s->status[i];
    if (report && report->active) report->active[i] = tight;
    if (report && report->multipliers)
      memcpy(report->multipliers + i * s->in->count, row->lambda, s->in->count * sizeof *row->lambda);
  }
}

/* Solves all rows; the status of the first that has no solution, or OK. */
HFY_COLD_ hfy_status hfy_rate_run_rows_(hfy_rate_sparse_ *s) {
  size_t i;
  s->first = s->failed = 0;
  hfy_base_parallel_(s->tasks, hfy_rate_rows_share_, s);
  for (i = 0; i < s->in->dim; i++)
    if (s->status[i] && !s->failed++) s->first = i;
  return s->status[s->first];
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_weights_sparse(const hfy_rate *rate, const double *r, size_t count, size_t dim,
                                                      double margin, double *w, const hfy_rate_rows *rows,
                                                      hfy_work *work) {
  hfy_work local, *k = hfy_base_open_(work, &local);
  hfy_rate_in_ in = {rate, NULL, r, count, dim, k, NULL, {NULL, 0, 0}};
  hfy_rate_sparse_ s;
  hfy_status status = hfy_rate_enter_weights_(&in, 1, 0, margin, w ? NULL : "w");
  while (hfy_base_layout_(&in.arena, k, &status)) hfy_rate_plan_sparse_(&in, margin, w, &s);
  if (status) return status;
  s.report = rows;
  hfy_rate_gram_(&s);
  status = hfy_rate_run_rows_(&s);
  if (status == HFY_ERR_INFEASIBLE)
    hfy_base_fail_(k, status, "row %z has no solution, nor have %z others of %z", s.first, s.failed - 1, dim);
  else if (status)
    hfy_base_fail_(k, status, "row %z was not settled in %z steps", s.first, 20 * count + 100);
  return hfy_base_close_(k, &local, status);
}

/* --- spectra --- */

/* One task that works on Jacobians. */
typedef struct hfy_rate_task_ {
  hfy_linalg_general_ eigen;
  double *j, *re, *im; /* dim x dim, dim: the first n */
  size_t *unit, n;     /* the units that are not silent */
} hfy_rate_task_;

/* The Jacobians of W = w + by w2 (w2 NULL: w) at `sample` of the patterns, evenly spread, shared out. */
typedef struct hfy_rate_jacobians_ {
  const hfy_rate_in_ *in;
  double *w2, by, *abscissa; /* abscissa, stable, status: sample each */
  size_t sample, tasks;
  hfy_rate_task_ *task;
  unsigned char *stable;
  hfy_status *status;
} hfy_rate_jacobians_;
HFY_COLD_ void hfy_rate_plan_at_(hfy_rate_in_ *in, size_t sample, hfy_rate_jacobians_ *s) {
  hfy_base_arena_ *arena = &in->arena;
  size_t task;
  memset(s, 0, sizeof *s);
  s->in = in;
  s->sample = sample;
  s->tasks = hfy_base_min_(hfy_base_workers_(), sample);
  s->task = HFY_TAKE_(arena, hfy_rate_task_, s->tasks);
  s->abscissa = HFY_TAKE_(arena, double, sample);
  s->stable = HFY_TAKE_(arena, unsigned char, sample);
  s->status = HFY_TAKE_(arena, hfy_status, sample);
  for (task = 0; task < s->tasks; task++) {
    hfy_rate_task_ none, *one = s->task ? &s->task[task] : &none;
    hfy_linalg_general_plan_(arena, in->dim, 0, &one->eigen);
    one->j = HFY_TAKE_(arena, double, hfy_base_times_(in->dim, in->dim));
    hfy_rate_take_(arena, in->dim, &one->re, &one->im, NULL, NULL);
    one->unit = HFY_TAKE_(arena, size_t, in->dim);
  }
}

/* At each pattern of a share: the Jacobian (eq. 5) of the units that are not silent, its eigenvalues; silent: -1. */
HFY_COLD_ void hfy_rate_at_share_(void *context, size_t task) {
  const hfy_rate_jacobians_ *s = (const hfy_rate_jacobians_ *)context;
  const size_t dim = s->in->dim;
  hfy_rate_task_ *t = &s->task[task];
  size_t *unit = t->unit, k, a, b, i;
  for (k = task; k < s->sample; k += s->tasks) {
    const double *r = s->in->r + (size_t)((double)k * (double)s->in->count / (double)s->sample) * dim;
    double sum = 0;
    size_t n = 0;
    for (i = 0; i < dim; i++)
      if (r[i] > 0) unit[n++] = i;
    for (a = 0; a < n; a++) {
      const double *row = s->in->w + unit[a] * dim, *row2 = s->w2 ? s->w2 + unit[a] * dim : NULL;
      const double d = hfy_rate_slope_at(s->in->rate, r[unit[a]]);
      double *j = t->j + a * n;
      for (b = 0; b < n; b++) j[b] = d * (row2 ? row[unit[b]] + s->by * row2[unit[b]] : row[unit[b]]);
      j[a] -= 1;
      for (b = 0; b < n; b++) sum += j[b] * j[b];
      for (i = 0; n < dim && i < dim; i++)
        if (!(r[i] > 0)) sum += d * d * row[i] * row[i];
    }
    t->n = n;
    memset(t->im, 0, dim * sizeof *t->im);
    for (i = n; i < dim; i++) t->re[i] = -1;
    s->status[k] = n ? hfy_linalg_eigenvalues_(s->in->simd, t->j, n, t->re, t->im, &t->eigen) : HFY_OK;
    s->abscissa[k] = n < dim && !(t->re[0] > -1) ? -1 : t->re[0];
    s->stable[k] = s->abscissa[k] < -1e-9 * (1 + sqrt(sum + (double)(dim - n)));
  }
}

/* Runs a planned call; the first failure in the order of the patterns. */
HFY_COLD_ hfy_status hfy_rate_run_at_(hfy_rate_jacobians_ *s) {
  size_t k;
  hfy_base_parallel_(s->tasks, hfy_rate_at_share_, s);
  for (k = 0; k < s->sample; k++)
    if (s->status[k])
      return hfy_base_fail_(s->in->work, s->status[k], "the Jacobian at pattern %z %s", k,
                            s->status[k] == HFY_ERR_NONFINITE ? "is not finite: a slope is out of range"
                                                              : "has an eigenvalue that did not converge");
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_jacobian(const hfy_rate *rate, const double *w, const double *r, size_t dim,
                                                double *j, hfy_work *work) {
  hfy_work local, *k = hfy_base_open_(work, &local);
  hfy_rate_in_ in = {rate, w, r, 1, dim, k, NULL, {NULL, 0, 0}};
  hfy_status status = hfy_rate_enter_(&in, HFY_RATE_AT_, j ? NULL : "j");
  size_t i, pass;
  if (status) return status;
  for (pass = 0; pass < 2; pass++) /* all must be finite before any is written */
    for (i = 0; i < dim * dim; i++) {
      const double d = hfy_rate_slope_at(rate, r[i / dim]);
      if (!hfy_base_is_finite_(d * w[i]))
        return hfy_base_fail_(k, HFY_ERR_NONFINITE, "the slope %g of unit %z times w is not finite", d, i / dim);
      if (pass) j[i] = d * w[i] - (i % (dim + 1) ? 0 : 1);
    }
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_stability(const hfy_rate *rate, const double *w, const double *r, size_t count,
                                                 size_t dim, double *abscissa, size_t *stable, hfy_work *work) {
  hfy_work local, *k = hfy_base_open_(work, &local);
  hfy_rate_in_ in = {rate, w, r, count, dim, k, NULL, {NULL, 0, 0}};
  hfy_rate_jacobians_ s;
  hfy_status status = hfy_rate_enter_(&in, HFY_RATE_AT_, NULL);
  size_t mu, found = 0;
  while (hfy_base_layout_(&in.arena, k, &status)) hfy_rate_plan_at_(&in, count, &s);
  if (!status) status = hfy_rate_run_at_(&s);
  for (mu = 0; !status && mu < count; mu++) {
    found += s.stable[mu];
    if (abscissa) abscissa[mu] = s.abscissa[mu];
  }
  if (!status && stable) *stable = found;
  return hfy_base_close_(k, &local, status);
}

/* How much an eigenvector u has in common with the pattern (|Pearson|) and with the uniform vector (|cosine|). */
HFY_COLD_ void hfy_rate_compare_(const double *ur, const double *ui, const double *r, size_t dim, double *correlation,
                                 double *overlap) {
  const double n = (double)dim;
  double mr = 0, mi = 0, mean = 0, uu = 0, rr = 0, cr = 0, ci = 0, norm = 0;
  size_t i;
  for (i = 0; i < dim; i++) {
    mean += r[i];
    mr += ur[i];
    mi += ui[i];
    norm += ur[i] * ur[i] + ui[i] * ui[i];
  }
  *overlap = norm > 0 ? sqrt((mr * mr + mi * mi) / (norm * n)) : 0;
  for (i = 0; i < dim; i++) {
    const double dr = ur[i] - mr / n, di = ui[i] - mi / n, d = r[i] - mean / n;
    rr += d * d;
    cr += dr * d;
    ci += di * d;
    uu += dr * dr + di * di;
  }
  *correlation = uu > 0 && rr > 0 ? sqrt((cr * cr + ci * ci) / (uu * rr)) : 0;
}

/* From the n units that are not silent to all. */
HFY_COLD_ void hfy_rate_spread_out_(const hfy_rate_task_ *s, double *u, size_t dim) {
  size_t i, a = s->n;
  for (i = dim; i-- > 0;) u[i] = a && s->unit[a - 1] == i ? u[--a] : 0;
}

/* Is eigenvalue i that of m, or its conjugate? */
HFY_COLD_ int hfy_rate_is_mode_(const hfy_rate_task_ *s, size_t i, size_t m) {
  return i == m || (i == m + 1 && s->im[m] > 0);
}

/* Where eigenvalue i stands once the silent units' -1 are among the others. */
HFY_COLD_ size_t hfy_rate_place_(const hfy_rate_task_ *s, size_t dim, size_t i) {
  return i < s->n && (s->re[i] < -1 || (s->re[i] <= -1 && fabs(s->im[i]) > 0)) ? i + dim - s->n : i;
}

/* What stands out, silent units apart; room: 3 dim. */
HFY_COLD_ hfy_status hfy_rate_modes_(const hfy_rate_jacobians_ *call, hfy_linalg_vectors_ *v, double *room,
                                     hfy_rate_modes *m) {
  const hfy_rate_task_ *s = call->task;
  const size_t dim = call->in->dim, n = s->n;
  double *ur = room, *ui = ur + dim, *flat = ui + dim, like;
  hfy_status status = n ? hfy_linalg_vectors_begin_(call->in->simd, s->j, n, v) : HFY_OK;
  size_t i;
  if (status) return status;
  memset(m, 0, sizeof *m);
  m->correlation = m->overlap = n ? -1 : 0;
  m->bulk = -HUGE_VAL;
  for (i = 0; i < n; i++) {
    if (!(s->im[i] < 0)) { /* its conjugate compares alike */
      hfy_linalg_vector_(n, s->re[i], s->im[i], ur, ui, v);
      hfy_rate_spread_out_(s, ur, dim);
      hfy_rate_spread_out_(s, ui, dim);
    }
    hfy_rate_compare_(ur, ui, call->in->r, dim, &like, &flat[i]);
    if (!(like > m->correlation)) continue;
    m->correlation = like;
    m->memory = i;
  }
  for (i = 0; i < n; i++) {
    if ((hfy_rate_is_mode_(s, i, m->memory) && n > 1) || !(flat[i] > m->overlap)) continue;
    m->overlap = flat[i];
    m->average = i;
  }
  for (i = 0; i < dim; i++)
    if ((i >= n || !(hfy_rate_is_mode_(s, i, m->memory) || hfy_rate_is_mode_(s, i, m->average))) && s->re[i] > m->bulk)
      m->bulk = s->re[i];
  if (m->bulk < -DBL_MAX) m->bulk = -1; /* nothing is left */
  m->memory = hfy_rate_place_(s, dim, m->memory);
  m->average = hfy_rate_place_(s, dim, m->average);
  return HFY_OK;
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_spectrum(const hfy_rate *rate, const double *w, const double *r, size_t dim,
                                                double *re, double *im, hfy_rate_modes *modes, hfy_work *work) {
  hfy_work local, *k = hfy_base_open_(work, &local);
  hfy_rate_in_ in = {rate, w, r, 1, dim, k, NULL, {NULL, 0, 0}};
  hfy_rate_jacobians_ s;
  hfy_linalg_vectors_ v;
  double *room = NULL;
  hfy_status status = hfy_rate_enter_(&in, HFY_RATE_AT_, !re ? "re" : !im ? "im" : NULL);
  while (hfy_base_layout_(&in.arena, k, &status)) {
    hfy_rate_plan_at_(&in, 1, &s);
    if (modes) hfy_linalg_vectors_plan_(&in.arena, dim, &v);
    if (modes) room = HFY_TAKE_(&in.arena, double, 3 * dim);
  }
  if (!status && !(status = hfy_rate_run_at_(&s)) && !(modes && (status = hfy_rate_modes_(&s, &v, room, modes)))) {
    hfy_linalg_order_(s.task->re, s.task->im, dim); /* the silent ones go in among the others */
    memcpy(re, s.task->re, dim * sizeof *re);
    memcpy(im, s.task->im, dim * sizeof *im);
    if (modes) modes->abscissa = re[0];
  }
  return hfy_base_close_(k, &local, status);
}

HFY_API HFY_SMALL_ double hfy_rate_asymmetry(const double *w, size_t dim) {
  const double big = w ? hfy_linalg_largest_(w, dim * dim) : hfy_base_nan_();
  double even = 0, odd = 0;
  size_t i, j;
  if (!hfy_base_is_finite_(big)) return hfy_base_nan_();
  if (!(big > 0)) return 0;
  for (i = 0; i < dim; i++)
    for (j = 0; j < dim; j++) {
      const double a = w[i * dim + j] / big, b = w[j * dim + i] / big;
      even += (a + b) * (a + b);
      odd += (a - b) * (a - b);
    }
  return sqrt(odd) / (sqrt(even) + sqrt(odd));
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_henrici(const double *a, size_t n, double *index, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  double *re = NULL, norm = 0, sum = 0;
  const hfy_status status = hfy_linalg_eigen_(a, n, index ? NULL : "index", &re, w);
  if (!status) {
    const double unit = hfy_linalg_unit_(a, n * n), *im = re + n;
    size_t i;
    for (i = 0; i < n * n; i++) norm += unit * a[i] * (unit * a[i]);
    for (i = 0; i < n; i++) sum += unit * re[i] * (unit * re[i]) + unit * im[i] * (unit * im[i]);
    *index = norm > sum ? sqrt((norm - sum) / norm) : 0;
  }
  return hfy_base_close_(w, &local, status);
}

/* --- the best threshold --- */

/* All that one evaluation of the objective needs. */
typedef struct hfy_rate_hunt_ {
  hfy_rate_search o;
  hfy_rate_jacobians_ at;
  hfy_rate_sparse_ sparse;
  int zeros;
  double best, where; /* the least seen */
  hfy_status status;
} hfy_rate_hunt_;

HFY_COLD_ double hfy_rate_objective_(hfy_rate_hunt_ *hunt, double theta) {
  hfy_rate_jacobians_ *at = &hunt->at;
  double sum = 0, most = -HUGE_VAL, value;
  size_t k;
  hunt->sparse.theta = at->by = theta;
  if (hunt->status || (hunt->zeros && hfy_rate_run_rows_(&hunt->sparse)) || (hunt->status = hfy_rate_run_at_(at)))
    return HUGE_VAL;
  for (k = 0; k < at->sample; k++) {
    sum += at->abscissa[k];
    if (at->abscissa[k] > most) most = at->abscissa[k];
  }
  value = hunt->o.worst ? most : sum / (double)at->sample;
  if (value < hunt->best) hunt->where = theta;
  hunt->best = value < hunt->best ? value : hunt->best;
  return value;
}

/* The patterns' own bracket: theta* - 2 .. theta_ave (eq. 16, 17); with nothing but silence any threshold does. */
HFY_COLD_ hfy_status hfy_rate_bracket_(const hfy_rate_in_ *in, hfy_rate_search *o) {
  double h = 0, d = 0, mean = 0, n = 0;
  size_t i;
  for (i = 0; i < in->count * in->dim; i++) {
    if (!(in->r[i] > 0)) continue;
    h += hfy_rate_inverse(in->rate, in->r[i]);
    d += hfy_rate_slope_at(in->rate, in->r[i]);
    mean += in->r[i];
    n++;
  }
  o->low = n > 0 ? -h / n - 2 : -1;
  o->high = n > 0 ? -h / n + mean / d : 1;
  if (hfy_base_is_finite_(o->low) && o->high > o->low && hfy_base_is_finite_(o->high)) return HFY_OK;
  return hfy_base_fail_(in->work, HFY_ERR_NONFINITE, "the bracket %g .. %g of the patterns is of no use", o->low,
                        o->high);
}

/* A grid, then a golden section of low .. high around its best point. */
HFY_COLD_ hfy_status hfy_rate_search_(hfy_rate_hunt_ *hunt) {
  const hfy_rate_search *o = &hunt->o;
  const double golden = 0.618033988749894848, cell = (o->high - o->low) / (double)(o->grid - 1);
  double low, high, x[2] = {0, 0}, f[2] = {0, 0};
  size_t i, at = 0;
  hunt->best = HUGE_VAL;
  for (i = 0; i < o->grid; i++) {
    const double before = hunt->best;
    if (hfy_rate_objective_(hunt, o->low + cell * (double)i) < before) at = i;
  }
  low = o->low + cell * (double)(at ? at - 1 : 0);
  high = o->low + cell * (double)hfy_base_min_(at + 1, o->grid - 1);
  for (i = 0; i < o->steps + 2; i++) {
    const int right = i < 2 ? (int)i : !(f[0] < f[1]); /* the side that stays, once both points are there */
    if (i > 1) {
      *(right ? &low : &high) = x[!right];
      x[!right] = x[right];
      f[!right] = f[right];
    }
    x[right] = right ? low + golden * (high - low) : high - golden * (high - low);
    f[right] = hfy_rate_objective_(hunt, x[right]);
  }
  if (hunt->status || hunt->best < HUGE_VAL) return hunt->status;
  return hfy_base_fail_(hunt->at.in->work, HFY_ERR_INFEASIBLE,
                        "no threshold in %g .. %g lets every row have a solution", o->low, o->high);
}

/* Dense: the two parts of W = V R+ + theta 1 R+. */
HFY_COLD_ hfy_status hfy_rate_parts_(const hfy_rate_dense_ *s, double *w, double *w2) {
  hfy_status status = hfy_rate_factor_(s, 0);
  size_t i;
  if (status || (status = hfy_rate_weigh_(s, w))) return status;
  for (i = 0; i < s->in->count * s->in->dim; i++) s->v[i] = 1;
  return hfy_rate_weigh_(s, w2);
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_threshold(const hfy_rate *rate, const double *r, size_t count, size_t dim,
                                                 const hfy_rate_search *search, double *theta, double *objective,
                                                 hfy_work *work) {
  hfy_work local, *k = hfy_base_open_(work, &local);
  hfy_rate_in_ in = {rate, NULL, r, count, dim, k, NULL, {NULL, 0, 0}};
  hfy_rate_hunt_ hunt;
  hfy_rate_search *o = &hunt.o;
  hfy_rate_dense_ dense;
  const char *null = !theta ? "theta" : !objective ? "objective" : NULL;
  double *made = NULL;
  hfy_status status = hfy_rate_enter_(&in, HFY_RATE_SPARSE_, NULL);
  size_t i;
  int own;
  if (status) return status;
  memset(&hunt, 0, sizeof hunt);
  if (search) *o = *search;
  if (!o->grid) o->grid = 17;
  if (!o->steps) o->steps = 20;
  if (!o->sample || o->sample > count) o->sample = count;
  for (i = 0; i < count * dim; i++) hunt.zeros |= !(r[i] > 0);
  if ((status = hfy_rate_enter_weights_(&in, hunt.zeros, o->self, o->margin, null))) return status;
  own = fabs(o->low) <= 0 && fabs(o->high) <= 0;
  if (!own && !(hfy_base_is_finite_(o->low) && hfy_base_is_finite_(o->high) && o->high > o->low))
    return hfy_base_fail_(k, HFY_ERR_ARG, "search: the bracket is %g .. %g; it should be finite and ascending", o->low,
                          o->high);
  if (o->grid < 3 || o->grid > 1000000)
    return hfy_base_fail_(k, HFY_ERR_ARG, "search->grid is %z; it should be in 3 .. 1000000", o->grid);
  while (hfy_base_layout_(&in.arena, k, &status)) {
    in.w = made = HFY_TAKE_(&in.arena, double, dim * dim);
    hfy_rate_plan_at_(&in, o->sample, &hunt.at);
    if (hunt.zeros) {
      hfy_rate_plan_sparse_(&in, o->margin, made, &hunt.sparse);
    } else {
      hfy_rate_plan_dense_(&in, o->self, &dense);
      hunt.at.w2 = HFY_TAKE_(&in.arena, double, dim * dim);
    }
  }
  if (!status && hunt.zeros) hfy_rate_gram_(&hunt.sparse);
  if (!status && !hunt.zeros) status = hfy_rate_parts_(&dense, made, hunt.at.w2);
  if (!status && own) status = hfy_rate_bracket_(&in, o);
  if (!status && !(status = hfy_rate_search_(&hunt))) {
    *theta = hunt.where;
    *objective = hunt.best;
  }
  return hfy_base_close_(k, &local, status);
}

/* --- theory: averages over one rate --- */

/* Samples r of weight w (sum 1) with h and d filled in; or the nodes low, low + 1, ... of a trapezoid in z / step. */
typedef struct hfy_rate_nodes_ {
  double low, step, *r, *w, *h, *d;
  size_t count;
} hfy_rate_nodes_;

/* Everything of math 17, in passes, so that no difference cancels. */
HFY_COLD_ hfy_status hfy_rate_average_(const hfy_rate *rate, const double *r, const hfy_rate_nodes_ *at, int optimal,
                                       hfy_rate_averages *out, hfy_work *work) {
  const double *w = at->w, *h = at->h, *d = at->d;
  const size_t n = at->count;
  hfy_rate_averages t;
  double b, m, level, star = 0, half, under, root, pbar = 0, sbar = 0;
  size_t i;
  memset(&t, 0, sizeof t);
  for (i = 0; i < n; i++) {
    t.rbar += w[i] * r[i];
    t.hbar += w[i] * h[i];
    t.dbar += w[i] * d[i];
    t.d2 += w[i] * d[i] * d[i];
  }
  t.theta = optimal ? -t.hbar : rate->theta;
  m = t.hbar + t.theta;
  for (i = 0; i < n; i++) {
    const double dr = r[i] - t.rbar, dh = h[i] - t.hbar, dd = d[i] - t.dbar;
    t.crr += w[i] * dr * dr;
    t.vh += w[i] * dh * dh;
    t.vd += w[i] * dd * dd;
    t.crh += w[i] * dr * dh;
    t.crd += w[i] * dr * dd;
    t.cdh += w[i] * dd * dh;
    t.crdh += w[i] * dr * (d[i] * h[i]);
    pbar += w[i] * (d[i] * (dh + m));
    sbar += w[i] * (d[i] * dh);
  }
  if (!(t.crr > 0)) return hfy_base_fail_(work, HFY_ERR_ARG, "the rates do not vary (variance %g); they should", t.crr);
  b = t.crh / t.crr;
  for (i = 0; i < n; i++) {
    const double dr = r[i] - t.rbar, dh = h[i] - t.hbar, beyond = dh - b * dr;
    const double phi = d[i] * (dh + m) - pbar;
    t.ve += w[i] * beyond * beyond;
    t.gap += w[i] * dr * (dr - t.dbar * dh);
    t.crphi += w[i] * dr * phi;
    t.cphiphi += w[i] * phi * phi;
    star += w[i] * dr * (d[i] * dh - sbar); /* cov(r, phi) at theta* */
  }
  t.crf = t.dbar * t.crh;
  t.cff = t.d2 * t.vh + t.vd * m * m;
  t.delta = t.crr * t.d2 * t.ve + t.vd * t.crh * t.crh + t.crr * t.vd * m * m;
  t.lambda_ave = -1 + t.dbar * m / t.rbar;
  t.lambda_mem = -1 + t.crphi / t.crr;
  t.tau_mem = t.cphiphi > 0 ? t.crphi / (sqrt(t.crr) * sqrt(t.cphiphi)) : 0;
  t.alpha_s_bulk = t.gap > 1e-14 * t.crr ? t.gap * t.gap / (t.delta + t.gap * t.gap) : 0;
  t.alpha_s = t.lambda_mem < 0 && t.lambda_ave < 0 && t.tau_mem > 0.9 ? t.alpha_s_bulk : 0;
  t.theta_bulk = -t.hbar;
  t.theta_ave = -t.hbar + t.rbar / t.dbar;
  t.theta_mem = t.crd > 0 || t.crd < 0 ? (t.crr - t.crdh) / t.crd : HUGE_VAL;
  /* the outliers: J on span{1, r} is (lambda_ave, c_dh; (m/rbar) crd/crr, lambda_mem at theta*) */
  level = -1 + star / t.crr;
  half = 0.5 * (t.lambda_ave - level);
  under = half * half + t.cdh * (m / t.rbar) * (t.crd / t.crr);
  root = sqrt(fabs(under));
  t.outlier_re[0] = 0.5 * (t.lambda_ave + level) + (under > 0 ? root : 0);
  t.outlier_re[1] = 0.5 * (t.lambda_ave + level) - (under > 0 ? root : 0);
  t.outlier_im[0] = under < 0 ? root : 0;
  t.outlier_im[1] = under < 0 ? -root : 0;
  if (!hfy_base_is_finite_(0 * t.delta + 0 * t.cff + 0 * t.lambda_ave + 0 * t.cphiphi + 0 * (t.gap * t.gap) + under))
    return hfy_base_fail_(work, HFY_ERR_NONFINITE, "an average overflows (<h> %g, var h %g, var d %g)", t.hbar, t.vh,
                          t.vd);
  *out = t;
  return HFY_OK;
}

/* Nodes for log-normal rates: `steps` a unit of z, `reach` deviations and what tilted means need; none above `cut`. */
HFY_COLD_ void hfy_rate_spread_(hfy_rate_nodes_ *nodes, double power, double cv, double steps, double reach,
                                double cut) {
  const double s = sqrt(log1p(cv * cv));
  const double low = -(reach + 2 * s * (power < 1 ? (1 - power) / power : 0));
  const double high = reach + s * (power < 1 ? 2 / power : 2);
  const double first = floor(low * steps), last = cut < HUGE_VAL ? floor(cut * steps) : ceil(high * steps);
  nodes->step = 1 / steps;
  nodes->low = first;
  nodes->count = last - first < 2e6 ? (size_t)(last - first) + 1 : 0; /* 0: far beyond the range of double */
}

/* r, h, d and weights at the nodes. */
HFY_PRIVATE_ void hfy_rate_fill_(const hfy_rate *rate, double cv, const hfy_rate_nodes_ *nodes) {
  const double s2 = log1p(cv * cv), s = sqrt(s2), scale = nodes->step / sqrt(2 * hfy_rate_pi_);
  size_t i;
  for (i = 0; i < nodes->count; i++) {
    const double z = (nodes->low + (double)i) * nodes->step, r = exp(s * z - 0.5 * s2);
    nodes->r[i] = r;
    nodes->w[i] = scale * exp(-0.5 * z * z);
    nodes->h[i] = hfy_rate_inverse(rate, r);
    nodes->d[i] = hfy_rate_slope_at(rate, r);
  }
}

/* Memory for the most nodes that this power takes. NONFINITE where the quadrature would never end. */
HFY_COLD_ hfy_status hfy_rate_lay_(hfy_rate_nodes_ *nodes, double power, double cv, hfy_work *work) {
  hfy_base_arena_ arena = {NULL, 0, 0};
  hfy_status status = HFY_OK;
  hfy_rate_spread_(nodes, power, cv, 32, 12, HUGE_VAL);
  if (!nodes->count) return hfy_base_fail_(work, HFY_ERR_NONFINITE, "averages overflow for so small a power");
  while (hfy_base_layout_(&arena, work, &status))
    hfy_rate_take_(&arena, nodes->count, &nodes->r, &nodes->w, &nodes->h, &nodes->d);
  return status;
}

/* hfy_rate_theory, and the nodes it took. missing: an argument that is NULL, or NULL. */
HFY_COLD_ hfy_status hfy_rate_quadrature_(const hfy_rate *rate, double cv, int optimal, const char *missing,
                                          hfy_rate_nodes_ *nodes, hfy_rate_averages *averages, hfy_work *work) {
  hfy_status status = hfy_rate_check_(rate, work);
  if (status || (status = hfy_rate_number_("cv", cv, &hfy_rate_cv_, work)) ||
      (status = hfy_base_null_(work, missing)) || (status = hfy_rate_lay_(nodes, rate->power, cv, work)))
    return status;
  hfy_rate_fill_(rate, cv, nodes);
  return hfy_rate_average_(rate, nodes->r, nodes, optimal, averages, work);
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_theory(const hfy_rate *rate, double cv, int optimal, hfy_rate_averages *averages,
                                              hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_rate_nodes_ nodes;
  const char *null = averages ? NULL : "averages";
  return hfy_base_close_(w, &local, hfy_rate_quadrature_(rate, cv, optimal, null, &nodes, averages, w));
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_theory_of(const hfy_rate *rate, const double *r, const double *weight, size_t n,
                                                 int optimal, hfy_rate_averages *averages, hfy_work *work) {
  hfy_work local, *k = hfy_base_open_(work, &local);
  hfy_rate_in_ in = {rate, NULL, r, n, 1, k, NULL, {NULL, 0, 0}};
  hfy_rate_nodes_ at = {0, 0, NULL, NULL, NULL, NULL, n};
  double sum = 0;
  hfy_status status = hfy_rate_enter_(&in, HFY_RATE_DENSE_, averages ? NULL : "averages");
  size_t i;
  if (!status && weight) status = hfy_rate_numbers_("weight: sample", weight, n, 1, &hfy_rate_from_0_, k);
  if (status) return status;
  for (i = 0; i < n; i++) sum += weight ? weight[i] : 1;
  if (!hfy_rate_is_in_(sum, &hfy_rate_above_0_))
    return hfy_base_fail_(k, HFY_ERR_ARG, "the weights sum to %g; it should be above 0", sum);
  while (hfy_base_layout_(&in.arena, k, &status)) hfy_rate_take_(&in.arena, n, &at.w, &at.h, &at.d, NULL);
  if (status) return status;
  for (i = 0; i < n; i++) {
    at.w[i] = (weight ? weight[i] : 1) / sum;
    at.h[i] = hfy_rate_inverse(rate, r[i]);
    at.d[i] = hfy_rate_slope_at(rate, r[i]);
  }
  return hfy_base_close_(k, &local, hfy_rate_average_(rate, r, &at, optimal, averages, k));
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_at_load(const hfy_rate_averages *averages, double alpha, hfy_rate_load *load,
                                               hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  const hfy_rate_averages *t = averages;
  hfy_status status = hfy_base_null_(w, !averages ? "averages" : !load ? "load" : NULL);
  double odds, b;
  if (status || (status = hfy_rate_number_("alpha", alpha, &hfy_rate_open_, w))) return status;
  if (!(t->crr > 0) || !(t->rbar > 0) || !(t->delta >= 0))
    return hfy_base_fail_(w, HFY_ERR_ARG, "averages: var r is %g; hfy_rate_theory should have filled it in", t->crr);
  odds = alpha / (1 - alpha);
  b = t->crh / t->crr;
  load->lambda_bulk = -1 + t->crf / t->crr + sqrt(odds * t->delta) / t->crr;
  load->weight_norm = odds * t->vh / t->crr;
  load->weight_sum = (t->theta + t->hbar) / t->rbar;
  load->weight_norm_self = alpha * b * b + odds * t->ve / t->crr;
  return HFY_OK;
}

/* --- roots --- */

/* Doubles high, at most `grow` times, until it is right of the root (else 0); halves low .. high, at most `times`. */
HFY_COLD_ int hfy_rate_root_(int (*is_right)(void *context, double x), void *context, int grow, size_t times,
                             double *low, double *high) {
  for (; !is_right(context, *high); grow--) {
    if (!grow || !hfy_base_is_finite_(*high)) return 0;
    *low = *high;
    *high *= 2;
  }
  for (; times; times--) {
    const double mid = 0.5 * (*low + *high);
    if (!(mid > *low && mid < *high)) break;
    *(is_right(context, mid) ? high : low) = mid;
  }
  return 1;
}

/* --- theory beyond the paper: the edge of the bulk with d row by row --- */

/* R = Q T with Q Haar: Q^T D Q is a compression of D, whose resolvent is that of D at a moved point (math 17). */
typedef struct hfy_rate_edge_ {
  const hfy_rate_nodes_ *at; /* w: sum 1; D takes the place of h */
  double b, noise, alpha;    /* crh/crr; ve/crr */
  double factor, target;     /* of hfy_rate_beyond_ */
  int self;
} hfy_rate_edge_;

/* At omega above all of D: x(omega) = omega - (1-alpha)/G1, its derivative, and <D^2/(omega - D)^2>. */
HFY_COLD_ void hfy_rate_compress_(const hfy_rate_edge_ *e, double omega, double out[3]) {
  double g1 = 0, g2 = 0, k = 0;
  size_t i;
  for (i = 0; i < e->at->count; i++) {
    const double y = 1 / (omega - e->at->h[i]), wy = e->at->w[i] * y, dy = e->at->h[i] * y;
    g1 += wy;
    g2 += wy * y;
    k += e->at->w[i] * dy * dy;
  }
  out[0] = omega - (1 - e->alpha) / g1;
  out[1] = 1 - (1 - e->alpha) * g2 / (g1 * g1);
  out[2] = k;
}

/* Does it hold at omega that: derivative > 0 and x >= target, or with target 0: noise (factor) < derivative? */
HFY_COLD_ int hfy_rate_beyond_(void *context, double omega) {
  const hfy_rate_edge_ *e = (hfy_rate_edge_ *)context;
  double at[3];
  hfy_rate_compress_(e, omega, at);
  return e->target > 0 ? at[1] > 0 && at[0] >= e->target : e->factor * at[2] < at[1];
}

/* The smallest omega above max D from which on that holds: its values in out; or 0, it never does. */
HFY_COLD_ int hfy_rate_omega_(hfy_rate_edge_ *e, double out[3]) {
  const double top = hfy_linalg_largest_(e->at->h, e->at->count);
  double low = top * (1 + 1e-12), high = 2 * top;
  if (!hfy_rate_root_(hfy_rate_beyond_, e, 999, 100, &low, &high)) return 0;
  hfy_rate_compress_(e, high, out);
  return 1;
}

/* Without self-coupling: is 1 + lambda = z right of the bulk? */
HFY_COLD_ int hfy_rate_outside_(void *context, double z) {
  hfy_rate_edge_ e = *(hfy_rate_edge_ *)context;
  const double beta = e.b / (1 - e.alpha);
  double at[3];
  size_t i;
  for (i = 0; i < e.at->count; i++) e.at->h[i] = e.at->d[i] / (z + beta * e.alpha * e.at->d[i]);
  e.target = 1 / beta;
  return hfy_rate_omega_(&e, at) && fabs(at[0] * beta - 1) < 1e-7 &&
         e.noise * (1 - e.alpha) / (e.b * e.b) * at[2] < at[1];
}

HFY_COLD_ double hfy_rate_edge_at_(hfy_rate_edge_ e, double alpha) {
  double low = 1e-9, high = 4, at[3] = {0, 0, 0};
  size_t i;
  e.alpha = alpha;
  if (e.self) {
    for (i = 0; i < e.at->count; i++) e.at->h[i] = e.b * e.at->d[i];
    e.factor = e.noise / (e.b * e.b * (1 - alpha));
    hfy_rate_omega_(&e, at);
    return at[0] - 1;
  }
  if (hfy_rate_outside_(&e, low)) return -1;
  hfy_rate_root_(hfy_rate_outside_, &e, 200, 60, &low, &high);
  return high - 1;
}

/* Is this load above the one at which the edge is 0? */
HFY_COLD_ int hfy_rate_unstable_(void *context, double alpha) {
  return !(hfy_rate_edge_at_(*(hfy_rate_edge_ *)context, alpha) < 0);
}

/* The standard normal above x */
HFY_COLD_ double hfy_rate_tail_(double x) { return 0.5 * erfc(x * 0.707106781186547524); }

HFY_COLD_ int hfy_rate_rare_(void *units, double x) {
  return !(hfy_rate_tail_(x) > 1 / (double)*(size_t *)units);
}

/* *out: the edge at alpha, or (load = 1) the load at which it is 0. */
HFY_COLD_ hfy_status hfy_rate_bulk_(const hfy_rate *rate, double cv, double alpha, int self, size_t units, int load,
                                    double *out, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_rate_nodes_ nodes;
  hfy_rate_averages t;
  hfy_rate_edge_ e = {&nodes, 0, 0, 0, 0, 0, self};
  double sum = 0, low = -40, high = 40;
  hfy_status status = load ? HFY_OK : hfy_rate_number_("alpha", alpha, &hfy_rate_open_, w);
  size_t i;
  if (status || (status = hfy_base_null_(w, out ? NULL : load ? "alpha" : "edge"))) return status;
  if (units == 1) return hfy_base_fail_(w, HFY_ERR_ARG, "units is 1; it should be 0 (no cut) or the number of units");
  if ((status = hfy_rate_quadrature_(rate, cv, 1, NULL, &nodes, &t, w))) return hfy_base_close_(w, &local, status);
  if (units) hfy_rate_root_(hfy_rate_rare_, &units, 0, 200, &low, &high); /* the quantile with 1/units above it */
  hfy_rate_spread_(&nodes, rate->power, cv, 16, 12, units ? low : HUGE_VAL);
  hfy_rate_fill_(rate, cv, &nodes);
  for (i = 0; i < nodes.count; i++) sum += nodes.w[i];
  for (i = 0; i < nodes.count; i++) {
    nodes.w[i] /= sum;
    if (!status && !hfy_base_is_finite_(nodes.d[i]))
      status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "the slope at rate %g overflows", nodes.r[i]);
  }
  if (status) return hfy_base_close_(w, &local, status);
  e.b = t.crh / t.crr;
  e.noise = t.ve / t.crr;
  low = 1e-3;
  high = 0.999;
  if (!load)
    *out = hfy_rate_edge_at_(e, alpha);
  else if (hfy_rate_unstable_(&e, low))
    *out = 0;
  else
    *out = hfy_rate_root_(hfy_rate_unstable_, &e, 0, 34, &low, &high) ? 0.5 * (low + high) : high;
  return hfy_base_close_(w, &local, HFY_OK);
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_bulk_edge(const hfy_rate *rate, double cv, double alpha, int self, size_t units,
                                                 double *edge, hfy_work *work) {
  return hfy_rate_bulk_(rate, cv, alpha, self, units, 0, edge, work);
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_bulk_load(const hfy_rate *rate, double cv, int self, size_t units, double *alpha,
                                                 hfy_work *work) {
  return hfy_rate_bulk_(rate, cv, 0, self, units, 1, alpha, work);
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_optimum(double cv, const hfy_rate_grid *grid, hfy_rate *best, double *alpha_s,
                                               hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_rate_grid g = {0.6, 0.01, 101, -2, 0.025, 141};
  hfy_rate_nodes_ nodes;
  hfy_rate found = {hfy_base_nan_(), 0, 0}, one = {0, 0, 0};
  hfy_rate_averages t;
  double top = 0;
  hfy_status status = hfy_rate_number_("cv", cv, &hfy_rate_cv_, w);
  size_t i, j;
  if (status || (status = hfy_base_null_(w, !best ? "best" : !alpha_s ? "alpha_s" : NULL))) return status;
  if (grid && (grid->powers || grid->sigmas)) g = *grid;
  if (!g.powers || !g.sigmas || !(g.power > 0) || !(g.power_step >= 0) ||
      !hfy_base_is_finite_(g.power + g.power_step * (double)g.powers) ||
      !hfy_base_is_finite_(g.log_sigma + g.log_sigma_step * (double)g.sigmas))
    return hfy_base_fail_(w, HFY_ERR_ARG, "grid: %z powers from %g and %z sigmas; both should be at least 1, powers "
                          "above 0 and ascending", g.powers, g.power, g.sigmas);
  if ((status = hfy_rate_lay_(&nodes, g.power, cv, w))) return status; /* the smallest power needs the most */
  for (i = 0; i < g.powers; i++)
    for (j = 0; j < g.sigmas; j++) {
      one.power = g.power + g.power_step * (double)i;
      one.sigma = pow(10, g.log_sigma + g.log_sigma_step * (double)j);
      if (!hfy_base_is_finite_(one.sigma)) continue;
      hfy_rate_spread_(&nodes, one.power, cv, one.power < 0.5 ? 32 : 8, 9, HUGE_VAL);
      hfy_rate_fill_(&one, cv, &nodes);
      if (hfy_rate_average_(&one, nodes.r, &nodes, 1, &t, w) || !(t.alpha_s > top)) continue;
      top = t.alpha_s;
      found = one;
      found.theta = t.theta_bulk;
    }
  w->message[0] = 0; /* points that overflow are no news */
  *best = found;
  *alpha_s = top;
  return hfy_base_close_(w, &local, HFY_OK);
}

/* --- theory: replica equations of sparse patterns (RATE, appendix) --- */

/* The root t of f (t + c) + (1-f)(t H(t) - h(t)): increasing and concave, so Newton from its left is monotone. */
HFY_COLD_ double hfy_rate_theta0_(double f, double c) {
  double t = c > 0 ? -c : 0;
  int i;
  for (i = 0; i < 200; i++) {
    const double tail = hfy_rate_tail_(t), bell = exp(-0.5 * t * t) / sqrt(2 * hfy_rate_pi_);
    const double step = -(f * (t + c) + (1 - f) * (t * tail - bell)) / (f + (1 - f) * tail);
    t += step;
    if (!(fabs(step) > 1e-15 * (1 + fabs(t)))) break;
  }
  return t;
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_capacity(double f, double *alpha_c, double *theta0, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  hfy_status status = hfy_rate_number_("f", f, &hfy_rate_share_, w);
  double t;
  if (status || (status = hfy_base_null_(w, alpha_c ? NULL : "alpha_c"))) return status;
  t = hfy_rate_theta0_(f, 0);
  *alpha_c = 1 / (f + (1 - f) * hfy_rate_tail_(t));
  if (theta0) *theta0 = t;
  return HFY_OK;
}

typedef struct hfy_rate_norm_ {
  double f, h, var, alpha; /* <h> and var h */
} hfy_rate_norm_;

/* Is u = 1/sqrt(var r q) above the solution? */
HFY_COLD_ int hfy_rate_shorter_(void *context, double u) {
  const hfy_rate_norm_ *e = (hfy_rate_norm_ *)context;
  const double f = e->f, t = hfy_rate_theta0_(f, e->h * u), a = t + e->h * u;
  return !(f + (1 - f) * hfy_rate_tail_(t) + f * e->var * u * u + f * a * e->h * u < 1 / e->alpha);
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_solve_replica(const hfy_rate *rate, double cv, double f, double alpha,
                                                     hfy_rate_replica *replica, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  const double x2 = f * (cv * cv + (1 - f)), s2 = log1p(cv * cv); /* var r, var ln r */
  hfy_rate_averages t;
  hfy_rate_norm_ e = {f, 0, 0, alpha};
  double limit = 0, low = 0, high = 1, u;
  hfy_status status = hfy_rate_check_(rate, w);
  memset(&t, 0, sizeof t);
  if (status || (status = hfy_rate_number_("cv", cv, &hfy_rate_cv_0_, w)) ||
      (status = hfy_rate_capacity(f, &limit, NULL, w)) ||
      (status = hfy_rate_number_("alpha", alpha, &hfy_rate_above_0_, w)) ||
      (status = hfy_base_null_(w, replica ? NULL : "replica")))
    return status;
  if (f < 1 && rate->sigma > 0)
    return hfy_base_fail_(w, HFY_ERR_ARG, "rate->sigma is %g; sparse patterns (f = %g) need 0", rate->sigma, f);
  if (!(x2 > 0)) return hfy_base_fail_(w, HFY_ERR_ARG, "cv is %g and f %g: the rates do not vary", cv, f);
  if (!(alpha < limit)) return hfy_base_fail_(w, HFY_ERR_INFEASIBLE, "alpha is %g; the capacity is %g", alpha, limit);
  if (rate->sigma > 0) {
    status = hfy_rate_theory(rate, cv, 0, &t, w);
    e.h = t.hbar;
    e.var = t.vh;
  } else { /* the moments of r^(1/n) */
    e.h = exp(-0.5 * s2 / rate->power + 0.5 * s2 / (rate->power * rate->power));
    e.var = e.h * e.h * expm1(s2 / (rate->power * rate->power));
  }
  if (!status && (!hfy_base_is_finite_(e.h) || !hfy_base_is_finite_(e.var)))
    status = hfy_base_fail_(w, HFY_ERR_NONFINITE, "the moments of g^-1 overflow");
  if (!status) {
    hfy_rate_root_(hfy_rate_shorter_, &e, 1023, 2000, &low, &high);
    u = 0.5 * (low + high);
    replica->q = 1 / (x2 * u * u);
    replica->theta0 = hfy_rate_theta0_(f, e.h * u);
    replica->m = (rate->theta - replica->theta0 / u) / f;
  }
  return hfy_base_close_(w, &local, status);
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_circular_law(double alpha, double tau, double sigma_x, double sigma_y, double c,
                                                    hfy_rate_disc *disc, hfy_work *work) {
  hfy_work local, *w = hfy_base_open_(work, &local);
  const double ratio = sigma_x / sigma_y, spread = ratio * ratio * (1 - tau * tau), room = c - tau * ratio;
  const double under = spread + room * room;
  hfy_status status = hfy_rate_number_("alpha", alpha, &hfy_rate_open_, w);
  if (!status && !(fabs(tau) <= 1)) status = hfy_base_should_(w, "", "tau", tau, "in -1 .. 1");
  if (status || (status = hfy_rate_number_("sigma_x", sigma_x, &hfy_rate_above_0_, w)) ||
      (status = hfy_rate_number_("sigma_y", sigma_y, &hfy_rate_above_0_, w)) ||
      (status = hfy_rate_number_("c", c, &hfy_rate_finite_, w)) || (status = hfy_base_null_(w, disc ? NULL : "disc")))
    return status;
  disc->centre = -c + tau * ratio;
  disc->radius = sqrt(spread * (alpha / (1 - alpha)));
  disc->lambda_plus = disc->centre + disc->radius;
  disc->lambda_minus = disc->centre - disc->radius;
  disc->median = disc->radius * sqrt((1 - alpha) / (2 - alpha));
  disc->alpha_s = room > 0 && under > 0 ? room * room / under : 0;
  return HFY_OK;
}

/* --- dynamics: eq. 1, 2 --- */

/* Explicit Runge-Kutta: stages, the nodes' matrix, weights, and weights of the error estimate. */
typedef struct hfy_rate_scheme_ {
  size_t stages;
  double a[7][6], b[7], error[7];
} hfy_rate_scheme_;

static const hfy_rate_scheme_ hfy_rate_rk4_ = {
  4, {{0}, {0.5}, {0, 0.5}, {0, 0, 1}}, {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6}, {0}};

/* Dormand, Prince 1980; the last stage is the first of the next step. */
static const hfy_rate_scheme_ hfy_rate_dp5_ = {
  7, {{0}, {1.0 / 5}, {3.0 / 40, 9.0 / 40}, {44.0 / 45, -56.0 / 15, 32.0 / 9},
   {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
   {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
   {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}},
  {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84, 0},
  {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40}};

/* What becomes of one state. */
typedef struct hfy_rate_state_ {
  double time, dt, most, speed;
  size_t steps;
  hfy_status status;
  int ended;
} hfy_rate_state_;

typedef struct hfy_rate_run_ {
  const hfy_rate_in_ *in;
  size_t states, live;
  hfy_rate_options o;
  double *x, *next, *k[7]; /* states x dim: state, the one after, slopes */
  double *from, *out, *gemm; /* states x dim, the live ones packed */
  hfy_rate_state_ *state;
  size_t *list;       /* the live ones */
  double *z, success; /* of a basin: states x dim of normal noise, and what counts as recalled */
} hfy_rate_run_;
HFY_COLD_ void hfy_rate_plan_run_(hfy_rate_in_ *in, size_t states, hfy_rate_run_ *run) {
  hfy_base_arena_ *arena = &in->arena;
  const size_t n = in->dim, all = hfy_base_times_(states, n);
  size_t i;
  run->in = in;
  run->states = states;
  hfy_rate_take_(arena, all, &run->x, &run->next, &run->from, &run->out);
  for (i = 0; i < 7; i++) run->k[i] = HFY_TAKE_(arena, double, all);
  run->state = HFY_TAKE_(arena, hfy_rate_state_, states);
  run->list = HFY_TAKE_(arena, size_t, states);
  run->gemm = HFY_TAKE_(arena, double, hfy_linalg_gemm_scratch_(states, n, n, sizeof(double)));
}

/* k = dx/dt at `from` (states x dim) for every live state: one product. */
HFY_COLD_ void hfy_rate_flow_(const hfy_rate_run_ *run, const double *from, double *k) {
  const hfy_rate_in_ *in = run->in;
  const size_t n = in->dim;
  size_t l, i;
  for (l = 0; l < run->live; l++) {
    const double *x = from + run->list[l] * n;
    double *to = run->from + l * n;
    for (i = 0; i < n; i++) to[i] = run->o.voltage ? hfy_rate_g(in->rate, x[i] - in->rate->theta) : x[i];
  }
  hfy_linalg_multiply_(in->simd, run->live, n, n, hfy_linalg_rows_(run->from, n), hfy_linalg_turned_(in->w, n),
                       hfy_linalg_set_(run->out, n), run->gemm);
  for (l = 0; l < run->live; l++) {
    const double *x = from + run->list[l] * n, *u = run->out + l * n;
    double *to = k + run->list[l] * n;
    for (i = 0; i < n; i++) to[i] = (run->o.voltage ? u[i] : hfy_rate_g(in->rate, u[i] - in->rate->theta)) - x[i];
  }
}

/* next = x + dt sum of a[l] k_l */
HFY_COLD_ void hfy_rate_move_(const hfy_rate_run_ *run, const double *a, size_t terms) {
  const size_t n = run->in->dim;
  size_t l, i, s;
  for (l = 0; l < run->live; l++) {
    const size_t at = run->list[l] * n;
    double *next = run->next + at;
    memset(next, 0, n * sizeof *next);
    for (s = 0; s < terms; s++) hfy_linalg_axpy_(a[s], run->k[s] + at, next, n);
    for (i = 0; i < n; i++) next[i] = run->x[at + i] + run->state[run->list[l]].dt * next[i];
  }
}

/* Ends the states that are at rest, or out of time, drops all that have ended; the last step ends on time. */
HFY_COLD_ void hfy_rate_settle_(hfy_rate_run_ *run) {
  const size_t n = run->in->dim;
  size_t l, live = 0;
  for (l = 0; l < run->live; l++) {
    const size_t who = run->list[l];
    hfy_rate_state_ *s = &run->state[who];
    if (s->ended) continue;
    s->speed = hfy_linalg_largest_(run->k[0] + who * n, n);
    s->ended = 1;
    s->status = HFY_OK;
    if (run->o.tol >= 0 && s->speed <= run->o.tol * (1 + hfy_linalg_largest_(run->x + who * n, n))) continue;
    s->status = HFY_ERR_NONFINITE;
    if (!s->steps && !hfy_base_is_finite_(s->speed)) continue;
    s->status = run->o.tol < 0 ? HFY_OK : HFY_ERR_CONVERGENCE;
    if (s->steps && s->time >= run->o.duration) continue;
    s->ended = 0;
    if (s->dt * (1 + 1e-9) >= run->o.duration - s->time) s->dt = run->o.duration - s->time;
    run->list[live++] = who;
  }
  run->live = live;
}

/* The first step: 2 / (1 + largest sum over j of |W_ij| g'_i, of voltages g'_j), at most 0.1. */
HFY_COLD_ double hfy_rate_first_(const hfy_rate_run_ *run, const double *x) {
  const hfy_rate *rate = run->in->rate;
  const size_t n = run->in->dim;
  double steep = 0;
  size_t i, j;
  for (i = 0; i < n; i++) {
    const double *row = run->in->w + i * n;
    double sum = 0;
    for (j = 0; j < n; j++) sum += fabs(row[j]) * (run->o.voltage ? hfy_rate_slope(rate, x[j] - rate->theta) : 1);
    if (!run->o.voltage) sum *= hfy_rate_slope(rate, hfy_linalg_dot_(row, x, n) - rate->theta);
    if (sum > steep) steep = sum;
  }
  return 2 / (1 + steep) < 0.1 ? 2 / (1 + steep) : 0.1;
}

/* Root mean square of the estimated error of a step, in units of the tolerance; 1e10 if it is not finite. */
HFY_PRIVATE_ double hfy_rate_error_(const hfy_rate_run_ *run, const double *weight, size_t who) {
  const size_t n = run->in->dim, at = who * n;
  double error = 0;
  size_t i, s;
  for (i = at; i < at + n; i++) {
    const double x = fabs(run->x[i]), next = fabs(run->next[i]), size = x > next ? x : next;
    double e = 0;
    for (s = 0; s < 7; s++) e += weight[s] * run->k[s][i];
    e *= run->state[who].dt / (run->o.rtol * (1 + size));
    error += e * e;
  }
  error = sqrt(error / (double)n);
  return hfy_base_is_finite_(error) ? error : 1e10;
}

/* Takes the step to next or rejects it, sets the size of the one after it; NONFINITE ends the run at the last state. */
HFY_COLD_ void hfy_rate_advance_(const hfy_rate_run_ *run, const hfy_rate_scheme_ *scheme, size_t who) {
  const size_t n = run->in->dim;
  const double *next = run->next + who * n, big = hfy_linalg_largest_(next, n);
  const int adaptive = run->o.rtol > 0;
  hfy_rate_state_ *s = &run->state[who];
  int finite = hfy_base_is_finite_(big), taken = 1;
  double factor = 1;
  s->steps++;
  if (adaptive) {
    const double error = finite ? hfy_rate_error_(run, scheme->error, who) : 1e10;
    taken = error <= 1;
    factor = error > 1e-10 ? 0.9 * pow(error, -0.2) : 5;
    factor = factor < 0.2 ? 0.2 : factor > 5 ? 5 : factor;
    if (!taken && s->dt < 1e-12) finite = 0; /* no step is small enough */
  }
  if ((taken || s->dt < 1e-12) && (!finite || big > s->most)) {
    s->status = HFY_ERR_NONFINITE;
    s->ended = 1;
    return;
  }
  if (taken) {
    memcpy(run->x + who * n, next, n * sizeof *next);
    if (s->dt >= run->o.duration - s->time)
      s->time = run->o.duration;
    else
      s->time = adaptive ? s->time + s->dt : (double)s->steps * s->dt;
  }
  s->dt *= factor;
}

/* Runs all states, which sit in run->x. */
HFY_COLD_ void hfy_rate_integrate_(hfy_rate_run_ *run) {
  const hfy_rate_scheme_ *scheme = run->o.rtol > 0 ? &hfy_rate_dp5_ : &hfy_rate_rk4_;
  const size_t n = run->in->dim;
  size_t l, s;
  if (!(run->o.duration > 0)) run->o.duration = 1000;
  if (fabs(run->o.tol) <= 0) run->o.tol = 1e-9;
  memset(run->state, 0, run->states * sizeof *run->state);
  for (l = 0; l < run->states; l++) {
    const double dt = run->o.dt > 0 ? run->o.dt : hfy_rate_first_(run, run->x + l * n);
    run->state[l].dt = dt > run->o.duration ? run->o.duration : dt;
    run->state[l].most = 1e6 * (1 + hfy_linalg_largest_(run->x + l * n, n));
    run->list[l] = l;
  }
  run->live = run->states;
  for (;;) {
    hfy_rate_flow_(run, run->x, run->k[0]); /* of rejected steps too: the same bits again */
    hfy_rate_settle_(run);
    if (!run->live) return;
    for (s = 1; s < scheme->stages; s++) {
      hfy_rate_move_(run, scheme->a[s], s);
      hfy_rate_flow_(run, run->next, run->k[s]);
    }
    hfy_rate_move_(run, scheme->b, scheme->stages);
    for (l = 0; l < run->live; l++) hfy_rate_advance_(run, scheme, run->list[l]);
  }
}

HFY_COLD_ hfy_status hfy_rate_enter_run_(hfy_rate_in_ *in, int what, size_t states, const hfy_rate_options *o) {
  const hfy_rate_range_ below_1 = {0, 1, 0, 1, "at least 0 and below 1"};
  hfy_status status = hfy_rate_enter_(in, what, NULL);
  if (status || (status = hfy_rate_number_("options->dt", o->dt, &hfy_rate_from_0_, in->work)) ||
      (status = hfy_rate_number_("options->duration", o->duration, &hfy_rate_from_0_, in->work)) ||
      (status = hfy_rate_number_("options->tol", o->tol, &hfy_rate_finite_, in->work)) ||
      (status = hfy_rate_number_("options->rtol", o->rtol, &below_1, in->work)) ||
      hfy_base_fits_(states, in->dim, sizeof(double)))
    return status;
  return hfy_base_fail_(in->work, HFY_ERR_ARG, "%z states of dim %z cannot exist", states, in->dim);
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_simulate(const hfy_rate *rate, const double *w, size_t dim, const double *start,
                                                size_t n_states, const hfy_rate_options *options, double *end,
                                                const hfy_rate_outcome *outcome, hfy_work *work) {
  hfy_work local, *k = hfy_base_open_(work, &local);
  hfy_rate_in_ in = {rate, w, NULL, 1, dim, k, NULL, {NULL, 0, 0}};
  hfy_rate_run_ run;
  hfy_status status;
  size_t i;
  memset(&run, 0, sizeof run);
  if (options) run.o = *options;
  if ((status = hfy_rate_enter_run_(&in, HFY_RATE_RUN_, n_states, &run.o)) ||
      (status = hfy_base_null_(k, !n_states ? NULL : !start ? "start" : !end ? "end" : NULL)) ||
      (status = hfy_rate_numbers_("start: state", start, n_states, dim, &hfy_rate_finite_, k)))
    return status;
  while (hfy_base_layout_(&in.arena, k, &status)) hfy_rate_plan_run_(&in, n_states, &run);
  if (status || !n_states) return hfy_base_close_(k, &local, status);
  memcpy(run.x, start, n_states * dim * sizeof *start);
  hfy_rate_integrate_(&run);
  memcpy(end, run.x, n_states * dim * sizeof *end);
  for (i = 0; i < n_states; i++) {
    const hfy_rate_state_ *s = &run.state[i];
    if (outcome && outcome->status) outcome->status[i] = s->status;
    if (outcome && outcome->time) outcome->time[i] = s->time;
    if (outcome && outcome->speed) outcome->speed[i] = s->speed;
    if (outcome && outcome->steps) outcome->steps[i] = s->steps;
    if (!status && s->status)
      status = hfy_base_fail_(k, s->status,
                              s->status == HFY_ERR_NONFINITE ? "state %z diverged at time %g"
                                                             : "state %z had not settled at time %g (speed %g)",
                              i, s->time, s->speed);
  }
  return hfy_base_close_(k, &local, status);
}

/* Do fewer than half of the states come back from noise e? */
HFY_COLD_ int hfy_rate_loses_(void *context, double e) {
  hfy_rate_run_ *run = (hfy_rate_run_ *)context;
  const double *r = run->in->r;
  const size_t n = run->in->dim;
  size_t back = 0, s, i;
  for (i = 0; i < run->states * n; i++) run->x[i] = r[i % n] * exp(e * run->z[i]);
  hfy_rate_integrate_(run);
  for (s = 0; s < run->states; s++) {
    const double *x = run->x + s * n;
    double off = 0, size = 0;
    for (i = 0; i < n; i++) {
      off += (x[i] - r[i]) * (x[i] - r[i]);
      size += r[i] * r[i];
    }
    back += run->state[s].status != HFY_ERR_NONFINITE && sqrt(off) <= run->success * sqrt(size);
  }
  return 2 * back < run->states;
}

HFY_API HFY_SMALL_ hfy_status hfy_rate_basin(const hfy_rate *rate, const double *w, const double *r, size_t dim,
                                             hfy_rng *rng, const hfy_rate_basin_options *options, double *noise,
                                             hfy_work *work) {
  hfy_work local, *k = hfy_base_open_(work, &local);
  hfy_rate_in_ in = {rate, w, r, 1, dim, k, NULL, {NULL, 0, 0}};
  hfy_rate_run_ run;
  hfy_rate_basin_options o;
  double low = 0, high;
  hfy_status status;
  size_t i;
  memset(&o, 0, sizeof o);
  if (options) o = *options;
  if (!o.trials) o.trials = 20;
  if (!o.bisections) o.bisections = 12;
  if (fabs(o.most) <= 0) o.most = 2;
  if (fabs(o.success) <= 0) o.success = 1e-3;
  if ((status = hfy_rate_enter_run_(&in, HFY_RATE_AT_, o.trials, &o.run)) ||
      (status = hfy_rate_number_("options->most", o.most, &hfy_rate_above_0_, k)) ||
      (!(o.success > 0) && (status = hfy_base_should_(k, "", "options->success", o.success, "above 0"))) ||
      (status = hfy_base_null_(k, !rng ? "rng" : !noise ? "noise" : NULL)))
    return status;
  if (o.run.voltage) return hfy_base_fail_(k, HFY_ERR_ARG, "options->run.voltage is set; a basin is one of rates");
  while (hfy_base_layout_(&in.arena, k, &status)) {
    hfy_rate_plan_run_(&in, o.trials, &run);
    run.z = HFY_TAKE_(&in.arena, double, hfy_base_times_(o.trials, dim));
  }
  if (status) return status;
  for (i = 0; i < o.trials * dim; i++) run.z[i] = hfy_rate_normal_(rng);
  run.o = o.run;
  run.success = o.success;
  high = o.most;
  *noise = hfy_rate_root_(hfy_rate_loses_, &run, 0, o.bisections, &low, &high) ? low : high;
  return hfy_base_close_(k, &local, HFY_OK);
}
#endif /* HFY_HAS_RATE_ */

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
#undef HFY_TAKE_
#undef HFY_PRIVATE_
#undef HFY_SMALL_
#undef HFY_COLD_
#undef HFY_RESTRICT_
#undef HFY_REAL_MAX_
#undef HFY_REAL_MIN_
#undef HFY_REAL_EPS_
#undef HFY_SIMD_NOINLINE_
#undef HFY_SIMD_TINY_
#undef HFY_SIMD_POPCOUNT_
#undef HFY_SIMD_X86_
#undef HFY_SIMD_NEON_
#undef HFY_SIMD_FLOOR_
#undef HFY_SIMD_MOST_
#undef HFY_SIMD_HAS_
#undef HFY_SIMD_INT8_X86_
#undef HFY_SIM_BLAS_
#undef HFY_SIM_GEMM_
#undef HFY_PREFETCH_
#undef HFY_PREFETCH_L2_
#undef HFY_UNROLL_
#undef HFY_TAIL_
#undef HFY_SEP_SUPPORT_
#undef HFY_SEP_FAR_
#undef HFY_IF_STRUCTURE_

#endif /* HFY_BODIES_ */

/* The end of a pass over the templates (see >>simd.impl): the next one starts afresh. */
#ifdef HFY_SIMD_PASS_
#undef HFY_BITS_
#undef HFY_TYPE_
#undef HFY_PASTE_3_
#undef HFY_PASTE_
#undef HFY_F_
#undef HFY_D_
#undef HFY_V_
#undef HFY_S_
#undef HFY_LANES_
#undef HFY_ISA_
#undef HFY_TARGET_ATTRIBUTE_
#undef HFY_BYTES_
#undef HFY_REGISTER_
#undef HFY_PIN_
#undef HFY_ROWS_
#undef HFY_TALL_
#undef HFY_QUERIES_
#undef HFY_STRIP_
#undef HFY_BATCH_
#undef HFY_TARGET_
#undef HFY_FOR_ISA_
#undef HFY_INLINE_
#undef HFY_FV_
#undef HFY_DV_
#undef HFY_VV_
#undef HFY_NARROW_
#undef HFY_VN_
#undef HFY_DN_
#ifdef HFY_SIMD_OTHER_ /* the same set again, for hfy_real */
#undef HFY_SIMD_OTHER_
#include HFY_FILE
#define HFY_SIMD_OTHER_
#undef HFY_SIMD_PASS_
#endif
#else /* >>rooms */
#undef HFY_HAS_LINALG_
#undef HFY_HAS_SIM_
#undef HFY_HAS_INDEX_
#undef HFY_HAS_STRUCTURE_
#undef HFY_HAS_SEP_
#undef HFY_HAS_POST_
#undef HFY_HAS_NET_
#undef HFY_HAS_FILE_
#undef HFY_HAS_SHARD_
#undef HFY_HAS_THEORY_
#undef HFY_HAS_RECALL_
#undef HFY_HAS_BINARY_
#undef HFY_HAS_KERNEL_
#undef HFY_HAS_RATE_
#endif
