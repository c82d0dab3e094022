"""structured.py: k-subsets and constrained sparsemax, against the textbook algorithm and the recorded figures of packages."""
import numpy as np
import blas, data, peers
from harness import Case, Peer, Race, pick
from peers import torch
from transforms import Sep


def row_of(rows, n, dtype):
    return data.place(np.random.default_rng(11).standard_normal((rows, n)).astype(dtype))


def ksubsets(rows, n, k, double):
    """float: against 50 bisections in torch; double, one row: against lp-sparsemap's recorded figure."""
    def build():
        theta = row_of(rows, n, np.float64 if double else np.float32)
        y, s = np.zeros_like(theta), Sep("ksubsets", float(k), double=double)
        y = data.place(y)
        exact = peers.ref_ksubsets(theta.astype(np.float64), k)
        error = lambda a: np.abs(np.asarray(a) - exact).max()
        theirs = []
        if torch and not double:
            z = torch.from_numpy(theta)
            theirs.append(Peer("bisection, 50 steps (torch)", lambda r: peers.torch_ksubsets_bisect(z, k), "23" if rows == 1 else "24", error))
        recorded = peers.RECORDED["lp-sparsemap"].get((n, k))
        if double and recorded: theirs.append(Peer("lp-sparsemap (recorded)", None, "23", seconds=recorded))
        return Race(s.call(theta, y), theirs, lambda: y, error, 1e-13 if double else 5e-7, loop=True, isa=blas.hfy.bench_isa(0).decode(),
                    note="nonzeros %.0f" % (exact > 0).sum(1).mean())
    return Case("ksubsets%d%s" % (k, "_double" if double else ""), "%dx%d" % (rows, n), 1, build)


def bounded(n, bounds):
    """One row, double; bounds: loose = all 1, tight = uniform on 0 .. 8/n."""
    def build():
        theta = row_of(1, n, np.float64)
        upper = np.ones(n) if bounds == "loose" else np.random.default_rng(12).uniform(0, 8.0 / n, n)
        y, s = data.aligned((1, n), np.float64), Sep("sparsemax", double=True, upper=upper)
        exact = peers.ref_ksubsets(theta, 1.0, upper)
        error = lambda a: np.abs(np.asarray(a).reshape(1, -1) - exact).max()
        z = theta[0].copy()
        theirs = [Peer("sorted corners (numpy)", lambda r: peers.numpy_bounded_sparsemax(z, upper), None, error)]
        recorded = peers.RECORDED["HFYN csparsemax"].get((n, bounds))
        if recorded: theirs.append(Peer("HFYN numpy (recorded)", None, "27", seconds=recorded))
        return Race(s.call(theta, y), theirs, lambda: y, error, 1e-12, loop=True, isa=blas.hfy.bench_isa(0).decode(),
                    note="nonzeros %d, at the bound %d" % ((exact > 0).sum(), (exact >= upper).sum()))
    return Case("constrained_sparsemax_%s" % bounds, "1x%d" % n, 1, build)


def cases():
    out = []
    for n in pick((100, 1000, 10000), (100, 1000, 10000), (100,)):
        for k in pick((2, 4, 8), (4,), (4,)):
            out += [ksubsets(1, n, k, False), ksubsets(1, n, k, True), ksubsets(64, n, k, False)]
    for n in pick((128, 1024, 10000), (128, 10000), (128,)):
        out += [bounded(n, "loose"), bounded(n, "tight")]
    return out
