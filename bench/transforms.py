"""transforms.py: rows of scores to rows of weights, against torch.softmax and the textbook algorithms of the field in torch."""
import numpy as np
import blas, data, peers
from harness import FULL, THREADS, Case, Peer, Race, pick
from peers import torch

AVX2 = 3
ROWS = pick(256, 256, 8)
# separation, parameter, reference error to match (float scores, any n)
KINDS = {"softmax": ("softmax", 0, 1e-6), "sparsemax": ("sparsemax", 0, 1e-7), "entmax15": ("entmax", 1.5, 2e-7),
         "entmax1.3": ("entmax", 1.3, 5e-7), "normmax2": ("normmax", 2, 1e-6), "normmax5": ("normmax", 5, 1e-6),
         "ksubsets4": ("ksubsets", 4, 5e-7)}


class Sep:
    """hfy_sep_apply with scratch of its own."""

    def __init__(self, name, parameter=0.0, isa=0, double=False, upper=None, threads=1):
        self.lib, self.upper = blas.library(threads, double), upper
        self.handle = self.lib.bench_sep_new(name.encode(), parameter, isa)
        if upper is not None: self.lib.bench_sep_bound(self.handle, data.at(upper))

    def call(self, theta, y):
        f, arguments = self.lib.bench_sep_apply, (self.handle, data.at(theta), theta.shape[0], theta.shape[1], data.at(y))

        def run(times, self=self):
            if f(times, *arguments): raise RuntimeError(self.lib.bench_sep_message(self.handle).decode())
        return run

    def __del__(self): self.lib.bench_sep_free(self.handle)


def textbook(kind, parameter, n):
    """(name, function, key of RECORDED) of the peers."""
    if kind == "softmax": return [("torch.softmax", peers.torch_softmax, None)]
    if kind == "sparsemax":
        return [("sort (torch)", peers.torch_sparsemax, "sparsemax"),
                ("top 100 (torch)", lambda z: peers.torch_sparsemax(z, k=100), "sparsemax100")]
    if kind == "entmax15":
        return [("sort (torch)", peers.torch_entmax15, "entmax15"),
                ("top 100 (torch)", lambda z: peers.torch_entmax15(z, k=100), "entmax15100")]
    f = {"entmax": peers.torch_entmax_bisect, "normmax": peers.torch_normmax_bisect, "ksubsets": peers.torch_ksubsets_bisect}
    return [("bisection, 50 steps (torch)", lambda z: f[KINDS[kind][0]](z, parameter), kind)]


def task_of(kind, spread, isa):
    """What a reader calls it: softmax, or how many of the weights are not 0."""
    what = "softmax" if kind == "softmax" else "%s, %s" % (
        {"entmax15": "1.5-entmax", "entmax1.3": "1.3-entmax, normmax", "normmax2": "1.3-entmax, normmax", "normmax5": "1.3-entmax, normmax",
         "ksubsets4": "4-subsets"}.get(kind, kind), "nearly all weights" if spread == "dense" else "few weights")
    return "rows of " + what + (", AVX2" if isa else "")


def transform(kind, n, spread, isa=0, rows=None, most=9, grows=False, threads=1):
    """most: how many peers at most. grows: one of a curve."""
    sep, parameter, tolerance = KINDS[kind]

    def build():
        bisect = sep in ("entmax", "normmax") and kind != "entmax15"
        count = rows or (16 if bisect and n > 10000 else ROWS)
        theta = data.scores(count, n, spread)
        y, s = data.aligned(theta.shape), Sep(sep, parameter, isa, threads=threads)
        few = slice(0, 4 if n > 10000 else 16)
        exact = peers.REFERENCE[sep](theta[few].astype(np.float64), parameter)
        total = exact.sum(1)

        def error(answer):
            a = np.asarray(answer)[few].astype(np.float64)
            return max(np.abs(a - exact).max(), np.abs(a.sum(1) - total).max() / (1 if kind != "ksubsets4" else 4))
        theirs, note = [], "support %.1f" % (exact > 0).sum(1).mean()
        if torch:
            z = torch.from_numpy(theta)
            for i, (name, f, recorded) in enumerate(textbook(kind, parameter, n)[:most]):
                theirs.append(Peer(name, lambda r, f=f: f(z), error))
                figure = peers.RECORDED["entmax"].get((recorded, n))
                if not grows and figure and spread == "flat": note += "; entmax package%s %g ns/element (recorded)" % (" k=100" if i else "", figure)
        # the sum of n rounded weights may be off by their rounding; single weights are held to the tighter number
        slack = tolerance + 6e-8 * np.sqrt(n) * (1 if kind == "softmax" or spread == "dense" else 0)
        return Race(s.call(theta, y), theirs, lambda: y, error, slack, loop=True, isa=blas.hfy.bench_isa(isa).decode(), note=note)
    return Case("%s_%s%s" % (kind, spread, "_avx2" if isa == AVX2 else ""), "%dx%d" % (rows or ROWS, n), threads, build,
                None if grows else task_of(kind, spread, isa))


def cases():
    out, sizes = [], pick((64, 512, 4096, 60000), (512, 4096), (64,))
    avx2 = blas.hfy.bench_isa(AVX2) and blas.hfy.bench_isa(0) != blas.hfy.bench_isa(AVX2)
    for n in sizes:
        for spread in ("flat", "peaked"):
            for kind in KINDS:
                if not FULL and spread == "peaked" and kind not in ("softmax", "sparsemax"): continue
                if n > 10000 and spread == "peaked" and kind[:7] in ("entmax1", "normmax", "ksubset") and kind != "entmax15": continue
                out.append(transform(kind, n, spread))
        if avx2:
            for kind in ("softmax", "sparsemax", "entmax15") if FULL else ("softmax",): out.append(transform(kind, n, "flat", AVX2))
    for n in pick((4096, 60000), (4096,), ()):  # rows shared out
        for kind in ("softmax", "sparsemax"): out += [transform(kind, n, "flat", threads=t) for t in THREADS if t > 1]
    for n in pick((512, 4096), (512,), (64,)):  # nearly everything in the support
        for kind in ("sparsemax", "entmax15", "entmax1.3", "normmax2", "normmax5"): out.append(transform(kind, n, "dense"))
    return out
