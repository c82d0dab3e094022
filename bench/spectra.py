"""spectra.py: eigenvalues of real matrices without symmetry, against LAPACK through numpy."""
import ctypes
import numpy as np
import blas, data
from harness import Case, Peer, Race, pick

eigenvalues = blas.hfy.bench_eigenvalues
eigenvalues.restype, eigenvalues.argtypes = ctypes.c_int, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]


def far(a, b):
    """The largest distance from one spectrum to the other, over the largest modulus."""
    gap = np.abs(a[:, None] - b[None, :])
    return max(gap.min(0).max(), gap.min(1).max()) / np.abs(b).max()


def spectrum(n, kind):
    def build():
        r = np.random.default_rng(30)
        a = r.standard_normal((n, n))
        if kind == "jacobian":  # of a graded attractor network: weights of rank n/4, rows scaled by slopes
            p = n // 4
            rates = r.lognormal(-0.35, 0.83, (n, p))
            a = (1 - np.exp(-rates[:, :1])) * (rates @ np.linalg.pinv(rates)) - np.eye(n)
        a = np.ascontiguousarray(a)
        re, im = np.zeros(n), np.zeros(n)
        exact = np.linalg.eigvals(a)

        def ours(_):
            if eigenvalues(data.at(a), n, data.at(re), data.at(im)): raise RuntimeError("hfy_eigenvalues failed")
            return None
        error = lambda x: far(x, exact)
        return Race(ours, [Peer("LAPACK (numpy)", lambda _: np.linalg.eigvals(a), error)],
                    lambda: re + 1j * im, error, 1e-9, isa=blas.hfy.bench_isa(0).decode())
    return Case("eigenvalues_" + kind, "%dx%d" % (n, n), 1, build, "eigenvalues without symmetry")


def cases():
    sizes = pick((50, 100, 200, 500, 1000), (200, 500, 1000), (50,))
    return [spectrum(n, kind) for n in sizes for kind in ("normal", "jacobian")]
