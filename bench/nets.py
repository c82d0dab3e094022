"""nets.py: a retrieval by hfy.h, and its float64 reference."""
import numpy as np
import blas, data, peers


class Net:
    """hfy_retrieve on keys X (borrowed). threads picks the build."""

    def __init__(self, X, beta, sep, parameter=0.0, steps=1, threads=1, isa=0, double=False, lib=None):
        self.X, self.beta, self.sep, self.parameter, self.steps, self.isa = X, beta, sep, parameter, steps, isa
        self.lib = lib or blas.library(threads, double)
        self.handle = self.lib.bench_net_new(data.at(X), X.shape[0], X.shape[1], beta, sep.encode(), parameter, steps, isa)
        assert self.handle, "no separation of the name " + sep

    def call(self, Q, out):
        """A function that runs the retrieval so many times."""
        f, arguments = self.lib.bench_retrieve, (self.handle, data.at(Q), len(Q), data.at(out))

        def run(times=1, self=self):  # self: the net lives as long as the call
            if f(times, *arguments): raise RuntimeError(self.message())
        return run

    def report(self, Q):
        """(support sizes, steps made) of each query."""
        out, support, steps = np.empty_like(Q), np.empty(len(Q), np.uintp), np.empty(len(Q), np.uintp)
        if self.lib.bench_retrieve_report(self.handle, data.at(Q), len(Q), data.at(out), data.at(support), data.at(steps)):
            raise RuntimeError(self.message())
        return support, steps

    def prepare(self, prefix=0):
        """Builds the prepared memory; its bytes, 0 if that failed."""
        return self.lib.bench_net_prepare(self.handle, prefix)

    def prefix(self): return self.lib.bench_net_prefix(self.handle)
    def peak(self): return self.lib.bench_net_peak(self.handle)
    def message(self): return self.lib.bench_net_message(self.handle).decode()
    def isa_name(self): return self.lib.bench_isa(self.isa).decode()

    def __del__(self):
        if getattr(self, "handle", None): self.lib.bench_net_free(self.handle)


def reference(X, Q, beta, sep, parameter=0.0, steps=1):
    """The same in float64, in slices of the keys."""
    q = Q.astype(np.float64)
    for _ in range(steps):
        s = np.empty((len(q), len(X)))
        for i in range(0, len(X), 16384): s[:, i:i + 16384] = beta * (q @ X[i:i + 16384].astype(np.float64).T)
        p = peers.REFERENCE[sep](s, parameter)
        q = np.zeros_like(q)
        used = np.flatnonzero(p.any(0))
        for i in range(0, len(used), 16384):
            at = used[i:i + 16384]
            q += p[:, at] @ X[at].astype(np.float64)
    return q


def checker(X, Q, beta, sep, parameter=0.0, steps=1, few=4):
    """error(answer) over the first few queries; an answer may be any array of rows, numpy or torch."""
    exact = reference(X, Q[:few], beta, sep, parameter, steps)

    def error(answer):
        a = answer.numpy() if hasattr(answer, "numpy") else answer
        return np.abs(np.asarray(a).reshape(-1, X.shape[1])[:len(exact)] - exact).max()
    return error
