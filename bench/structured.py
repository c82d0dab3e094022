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
            theirs.append(Peer("bisection, 50 steps (torch)", lambda r: peers.torch_ksubsets_bisect(z, k), error))
        recorded = peers.RECORDED["lp-sparsemap"].get((n, k))
        if double and recorded: theirs.append(Peer("lp-sparsemap (recorded)", None, seconds=recorded))
        return Race(s.call(theta, y), theirs, lambda: y, error, 1e-13 if double else 5e-7, loop=True, isa=blas.hfy.bench_isa(0).decode(),
                    note="nonzeros %.0f" % (exact > 0).sum(1).mean())
    return Case("ksubsets%d%s" % (k, "_double" if double else ""), "%dx%d" % (rows, n), 1, build,
                "k-subsets of %s" % ("one row" if rows == 1 else "64 rows"))


def sequence_best(c, t, k):
    """The best score of k of n, t more for each two neighbours: a plain recursion over the row, all counts at once."""
    off, on = np.full(k + 1, -np.inf), np.full(k + 1, -np.inf)
    off[0] = 0
    for s in c:
        both = np.maximum(off, on)
        on[1:] = np.maximum(off[:-1], on[:-1] + t) + s
        off = both
    return max(off[k], on[k])


def sequence(n, k, t):
    """One row, double, against lp-sparsemap's recorded figures; the error is the duality gap, by a recursion of our own."""
    def build():
        s, transitions = row_of(1, n, np.float64), np.full(max(n - 1, 1), float(t))
        u, edges, told = data.aligned((1, n), np.float64), data.aligned((1, max(n - 1, 1)), np.float64), np.zeros(2)
        f = blas.hfyd.bench_sequence
        arguments = (n, k, data.at(s), data.at(transitions), data.at(u), data.at(edges), data.at(told), data.at(told[1:]))

        def run(times):
            if f(times, *arguments): raise RuntimeError("no solution")

        def gap(_):
            c = s[0] - u[0]
            return abs(sequence_best(c, t, k) - c @ u[0] - t * edges.sum()) + abs(u.sum() - k) * 1e-3
        run(1)
        theirs = [Peer("lp-sparsemap, 100 inner iterations (recorded)", None, seconds=peers.RECORDED["lp-sparsemap sequence"][n, k, t][0]),
                  Peer("lp-sparsemap, defaults (recorded)", None, seconds=peers.RECORDED["lp-sparsemap sequence"][n, k, t][1])]
        return Race(run, theirs, lambda: u, gap, 1e-8, loop=True, isa="scalar",
                    note="nonzeros %d, steps %d, gap told %.1e" % ((u > 0).sum(), told[1], told[0]))
    return Case("sequence%d_t%d" % (k, t), "1x%d" % n, 1, build, "sequential k-subsets of one row")


def bounded(n, bounds):
    """One row, double; bounds: loose = all 1, tight = uniform on 0 .. 8/n."""
    def build():
        theta = row_of(1, n, np.float64)
        upper = np.ones(n) if bounds == "loose" else np.random.default_rng(12).uniform(0, 8.0 / n, n)
        y, s = data.aligned((1, n), np.float64), Sep("sparsemax", double=True, upper=upper)
        exact = peers.ref_ksubsets(theta, 1.0, upper)
        error = lambda a: np.abs(np.asarray(a).reshape(1, -1) - exact).max()
        z = theta[0].copy()
        theirs = [Peer("sorted corners (numpy)", lambda r: peers.numpy_bounded_sparsemax(z, upper), error)]
        recorded = peers.RECORDED["HFYN csparsemax"].get((n, bounds))
        if recorded: theirs.append(Peer("HFYN numpy (recorded)", None, seconds=recorded))
        return Race(s.call(theta, y), theirs, lambda: y, error, 1e-12, loop=True, isa=blas.hfy.bench_isa(0).decode(),
                    note="nonzeros %d, at the bound %d" % ((exact > 0).sum(), (exact >= upper).sum()))
    return Case("constrained_sparsemax_%s" % bounds, "1x%d" % n, 1, build, "constrained sparsemax of one row")


def cases():
    out = []
    for n in pick((100, 1000, 10000), (100, 1000, 10000), (100,)):
        for k in pick((2, 4, 8), (4,), (4,)):
            out += [ksubsets(1, n, k, False), ksubsets(1, n, k, True), ksubsets(64, n, k, False)]
    for n in pick((100, 1000, 10000), (100, 1000, 10000), (100,)):
        for k in pick((2, 4, 8), (2, 8), (2,)):
            out += [sequence(n, k, t) for t in (0, 1)]
    for n in pick((128, 1024, 10000), (128, 10000), (128,)):
        out += [bounded(n, "loose"), bounded(n, "tight")]
    return out
