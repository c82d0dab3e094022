"""accuracy.py: errors in float against float64, here and in the peers, over several draws. No time is taken, so the machine need
not be quiet. Errors are in units of 2^-24, the rounding of a float: of a weight over the largest weight of its row, of a product's
entry over the sum of the magnitudes that it adds up, of an answer's entry over the largest entry of all."""
import statistics
import numpy as np
import blas, data, gemm, peers
from harness import pick
from nets import Net, reference
from peers import torch
from transforms import KINDS, Sep, textbook

COLUMNS = "panel case size who draws median low high".split()
DRAWS = pick(9, 9, 2)
UNIT = 2.0 ** -24


class Errors:
    """draw(seed) -> {who: error}; one line a contestant: the median of the draws, the smallest, the largest."""

    def __init__(self, panel, name, size, draw):
        self.panel, self.name, self.size, self.draw, self.shape, self.threads = panel, name, size, draw, str(size), 1

    def run(self, book):
        found = {}
        for seed in range(DRAWS):
            for who, error in self.draw(seed).items(): found.setdefault(who, []).append(error / UNIT)
        for who, e in found.items():
            cells = (self.panel, self.name, self.size, who, len(e)) + tuple("%.3g" % x for x in (statistics.median(e), min(e), max(e)))
            book.out.writerow(cells)
            print("%-12s %-24s %8d  %-28s %d draws: %s (%s-%s)" % cells, flush=True)


def weights(kind, n, spread):
    sep, parameter, _ = KINDS[kind]

    def draw(seed):
        rows = pick(16, 16, 2) if n <= 4096 else 4
        z = data.place((np.random.default_rng(100 + seed).standard_normal((rows, n)) * (4 if spread == "flat" else 0.001)).astype(np.float32))
        y = data.aligned(z.shape)
        Sep(sep, parameter).call(z, y)(1)
        exact = peers.REFERENCE[sep](z.astype(np.float64), parameter)
        error = lambda a: float((np.abs(np.asarray(a, np.float64) - exact).max(1) / exact.max(1)).max())
        out = {"hfy.h": error(y)}
        if torch:
            name, f, _ = textbook(kind, parameter, n)[0]
            out[name] = error(f(torch.from_numpy(z)))
        return out
    return Errors("separations" if spread == "flat" else "nearly all", kind, n, draw)


def product(k):
    def draw(seed):
        rng, m, n = np.random.default_rng(200 + seed), 64, 64
        A, B = (data.place(rng.uniform(-1, 1, s).astype(np.float32)) for s in ((m, k), (k, n)))
        exact, sums = A.astype(np.float64) @ B.astype(np.float64), np.abs(A).astype(np.float64) @ np.abs(B).astype(np.float64)
        out = {}
        for who, f in gemm.functions("sgemm", 1, 0):
            C = data.aligned((m, n))
            blas.probe.loop_sgemm(1, f, 111, 111, m, n, k, data.at(A), k, data.at(B), n, data.at(C), n)
            out["hfy.h" if who == "hfy" else who] = float((np.abs(C - exact) / sums).max())
        return out
    return Errors("products", "64 x K x 64", k, draw)


def step(sep, N):
    def draw(seed):
        rng = np.random.default_rng(300 + seed)
        X = rng.standard_normal((N, 784)).astype(np.float32)
        X = data.place(X / np.linalg.norm(X, axis=1, keepdims=True))
        Q = data.place(X[rng.integers(0, N, (8, 5))].mean(1) + np.float32(0.02) * rng.standard_normal((8, 784), dtype=np.float32))
        beta = 25.0  # queries are means of five patterns, so that several have weight
        exact, y = reference(X, Q, beta, sep, 1.5), np.zeros_like(Q)
        error = lambda a: float(np.abs(np.asarray(a, np.float64) - exact).max() / np.abs(exact).max())
        Net(X, beta, sep, 1.5 if sep == "entmax" else 0.0).call(Q, y)()
        out = {"hfy.h": error(y)}
        if sep == "softmax": out["numpy"] = error(peers.numpy_rows(X, Q, np.float32(beta)))
        elif torch:
            T, f = torch.from_numpy(X), {"sparsemax": peers.torch_sparsemax, "entmax": peers.torch_entmax15}[sep]
            out["sort (torch)"] = error(f(beta * (torch.from_numpy(Q) @ T.T)) @ T)
        return out
    return Errors("retrieval", {"entmax": "entmax15"}.get(sep, sep), N, draw)


def cases():
    blas.set_threads(1)
    sizes = pick((64, 512, 4096, 60000), (64, 4096), (64,))
    return ([weights(kind, n, "flat") for kind in KINDS for n in sizes] +
            [weights(kind, n, "dense") for kind in KINDS for n in sizes[:3]] +
            [product(k) for k in pick((16, 64, 256, 784, 4096, 16384), (64, 784), (16,))] +
            [step(sep, N) for sep in ("softmax", "sparsemax", "entmax") for N in pick((100, 1000, 10000), (1000,), (100,))])
