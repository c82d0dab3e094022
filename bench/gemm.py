"""gemm.py: matrix products against OpenBLAS, BLIS and Eigen; scores and projections of a retrieval; products with one vector."""
import ctypes, os
import numpy as np
import blas, data
from harness import BUILD, FULL, THREADS, Case, Peer, Race, pick

HASWELL = os.environ.get("OPENBLAS_CORETYPE") == "Haswell"  # a process of its own: OpenBLAS chooses its kernels at loading
AVX2 = 3
OPENBLAS = "OpenBLAS Haswell" if HASWELL else "OpenBLAS"


def address(f): return ctypes.cast(f, ctypes.c_void_p)


def functions(name, threads, isa):
    """(library's name, address) of everyone's function of that CBLAS name, hfy.h first."""
    lib = blas.library(threads)
    lib.bench_gemm_set(isa, threads)
    found = [("hfy", address(getattr(lib, "bench_" + name)))]
    if blas.openblas: found.append((OPENBLAS, address(getattr(blas.openblas, "cblas_" + name))))
    if blas.blis: found.append(("BLIS", address(getattr(blas.blis, "cblas_" + name))))
    if blas.eigen and hasattr(blas.eigen, "eigen_" + name): found.append(("Eigen", address(getattr(blas.eigen, "eigen_" + name))))
    return found


def gemm_case(letter, m, n, k, ta, tb, threads, isa, label=None, peers=None):
    real = np.float32 if letter == "s" else np.float64

    def build():
        rng = np.random.default_rng(5)
        A = data.place(rng.uniform(-1, 1, (k, m) if ta else (m, k)).astype(real))
        B = data.place(rng.uniform(-1, 1, (n, k) if tb else (k, n)).astype(real))
        C = data.aligned((m, n), real)
        loop = getattr(blas.probe, "loop_%sgemm" % letter)
        few = np.arange(min(m, 8)) * (m // min(m, 8))
        exact = (A[:, few].T if ta else A[few]).astype(np.float64) @ (B.T if tb else B).astype(np.float64)
        error = lambda _: np.abs(C[few] - exact).max() / np.sqrt(k)

        def caller(f):
            arguments = (f, 112 if ta else 111, 112 if tb else 111, m, n, k, data.at(A), A.shape[1], data.at(B),
                         B.shape[1], data.at(C), n)
            return lambda times: loop(times, *arguments)
        found = functions(letter + "gemm", threads, isa)
        ours = caller(found[0][1])
        theirs = [Peer(name, caller(f), error, loop=True) for name, f in found[1:] if not peers or name in peers]
        return Race(ours, theirs, error=error, tolerance=2e-6 if letter == "s" else 1e-14, loop=True, flops=2.0 * m * n * k,
                    isa=blas.hfy.bench_isa(isa).decode()) if theirs else None
    task = "products%s%s, %s" % ("" if letter == "s" else " in double", " with AVX2" if isa else "",
                               "a retrieval's shapes" if m != n else "64 and below" if n <= 64 else "128 to 2048")
    return Case(label or "%sgemm" % letter, "%dx%dx%d" % (m, n, k), threads, build, task)


def gemv_case(count, dim, across, threads):
    def build():
        X = data.random_patterns(count, dim)
        rng = np.random.default_rng(6)
        v = data.place(rng.uniform(-1, 1, count if across else dim).astype(np.float32))
        y = data.aligned(dim if across else count)
        loop = blas.probe.loop_sgemv
        few = slice(0, 8)
        exact = (X[:, few].T.astype(np.float64) if across else X[few].astype(np.float64)) @ v.astype(np.float64)
        error = lambda _: np.abs(y[few] - exact).max()

        def caller(f):
            arguments = (f, 112 if across else 111, count, dim, data.at(X), dim, data.at(v), data.at(y))
            return lambda times: loop(times, *arguments)
        found = functions("sgemv", threads, 0)
        theirs = [Peer(name, caller(f), error, loop=True) for name, f in found[1:]]
        return Race(caller(found[0][1]), theirs, error=error, tolerance=1e-4, loop=True, bytes=4.0 * count * dim,
                    flops=2.0 * count * dim, isa=blas.hfy.bench_isa(0).decode()) if theirs else None
    return Case("sgemv_XTp" if across else "sgemv_Xq", "%dx%d" % (count, dim), threads, build,
                "matrix times vector, %s" % ("from memory" if count * dim > 4000000 else "from the cache"))


def tile_case(count, dim, batch, combine, threads):
    """The dot tile and the projection that a retrieval runs, against a BLAS product of the same shape."""
    def build():
        X = data.random_patterns(count, dim)
        rng = np.random.default_rng(8)
        Q = data.place(rng.uniform(-1, 1, (batch, dim)).astype(np.float32))
        S = data.place((rng.uniform(0, 1, (batch, count)) / count).astype(np.float32)) if combine else data.aligned((batch, count))
        lib, x, q, s = blas.library(threads), data.at(X), data.at(Q), data.at(S)
        few = slice(0, 8)
        loop = blas.probe.loop_sgemm
        if combine:
            ours = lambda _: lib.bench_combine(0, s, batch, x, count, dim, q, threads)
            exact = S[few].astype(np.float64) @ X.astype(np.float64)
            error = lambda _: np.abs(Q[few] - exact).max()
            call = lambda f: (f, 111, 111, batch, dim, count, s, count, x, dim, q, dim)
        else:
            ours = lambda _: lib.bench_scores(0, x, count, dim, q, batch, s, threads)
            exact = Q.astype(np.float64) @ X[few].astype(np.float64).T
            error = lambda _: np.abs(S[:, few] - exact).max()
            call = lambda f: (f, 111, 112, batch, count, dim, q, dim, x, dim, s, count)
        theirs = []
        for name, library in ((OPENBLAS, blas.openblas), ("BLIS", blas.blis), ("Eigen", blas.eigen)):
            if not library: continue
            arguments = call(address(library.eigen_sgemm if name == "Eigen" else library.cblas_sgemm))
            theirs.append(Peer(name, lambda times, arguments=arguments: loop(times, *arguments),
                               error, loop=True))
        return Race(ours, theirs, error=error, tolerance=1e-5, flops=2.0 * count * dim * batch, bytes=4.0 * count * dim,
                    isa=blas.hfy.bench_isa(0).decode()) if theirs else None
    return Case("combine_PX" if combine else "scores_QXt", "%dx%dx%d" % (count, dim, batch), threads, build,
                "products, a retrieval's shapes")


def pair_case(count, dim, batch, threads):
    """Both products of a step, one after the other."""
    def build():
        X = data.random_patterns(count, dim)
        rng = np.random.default_rng(8)
        Q = data.place(rng.uniform(-1, 1, (batch, dim)).astype(np.float32))
        P = data.place((rng.uniform(0, 1, (batch, count)) / count).astype(np.float32))
        S, Z = data.aligned((batch, count)), data.aligned((batch, dim))
        lib, x, q, p, s, z = blas.library(threads), data.at(X), data.at(Q), data.at(P), data.at(S), data.at(Z)
        loop, f = blas.probe.loop_sgemm, address(blas.openblas.cblas_sgemm)
        exact = P[:8].astype(np.float64) @ X.astype(np.float64), Q[:8].astype(np.float64) @ X[:8].astype(np.float64).T
        error = lambda _: max(np.abs(Z[:8] - exact[0]).max(), np.abs(S[:8, :8] - exact[1]).max())

        def ours(_):
            lib.bench_scores(0, x, count, dim, q, batch, s, threads)
            lib.bench_combine(0, p, batch, x, count, dim, z, threads)

        def theirs(_):
            loop(1, f, 111, 112, batch, count, dim, q, dim, x, dim, s, count)
            loop(1, f, 111, 111, batch, dim, count, p, count, x, dim, z, dim)
        return Race(ours, [Peer(OPENBLAS, theirs, error)], error=error, tolerance=1e-5, flops=4.0 * count * dim * batch,
                    isa=blas.hfy.bench_isa(0).decode()) if blas.openblas else None
    return Case("scores_and_combine", "%dx%dx%d" % (count, dim, batch), threads, build, "scores, then projection, of 64 queries")


def cases():
    out = []
    squares = pick((64, 128, 256, 512, 1024, 2048), (64, 256, 1024), (64, 96))
    if HASWELL:
        if blas.hfy.bench_isa(AVX2):
            for threads in THREADS:
                for n in squares:
                    for letter in "sd":
                        out.append(gemm_case(letter, n, n, n, 0, 0, threads, AVX2, letter + "gemm_avx2", (OPENBLAS, "BLIS")))
        return out
    for threads in THREADS:
        for n in pick((8, 16, 32, 48), (16, 32), (8, 16)) if threads == 1 else ():
            out.append(gemm_case("s", n, n, n, 0, 0, threads, 0))
        for letter in "sd":
            for n in squares: out.append(gemm_case(letter, n, n, n, 0, 0, threads, 0))
        for N, D, B in pick(((10000, 784, 64), (60000, 784, 256), (100000, 128, 64)), ((10000, 784, 64),), ((300, 50, 7),)):
            out.append(gemm_case("s", B, N, D, 0, 1, threads, 0, "sgemm_QXt"))
            out.append(gemm_case("s", B, D, N, 0, 0, threads, 0, "sgemm_PX"))
            if FULL: out.append(gemm_case("s", D, B, N, 1, 0, threads, 0, "sgemm_XtP"))
    shapes = pick(((1000, 784), (10000, 784), (60000, 784), (100000, 128)), ((10000, 784),), ((300, 50),))
    for N, D in shapes:
        for threads in THREADS:
            for B in pick((64, 256), (64,), (64,)) if D != 128 else (64,):
                out += [tile_case(N, D, B, 0, threads), tile_case(N, D, B, 1, threads)]
            out.append(pair_case(N, D, 64, threads))
            if D != 128:
                out += [gemv_case(N, D, 0, threads), gemv_case(N, D, 1, threads)]
    return out
