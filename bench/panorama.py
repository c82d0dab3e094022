"""panorama.py: the peer of panorama.c: principal directions by numpy, the best of its counts of levels."""
import ctypes, os
import numpy as np
import data
from blas import BUILD

LEVELS = (8, 14, 28, 49)
_libraries = {}


def library(avx2=False):
    """For this machine or for AVX2; None if it did not compile."""
    path = os.path.join(BUILD, "libpanorama_avx2.so" if avx2 else "libpanorama.so")
    if path not in _libraries:
        lib = ctypes.CDLL(path) if os.path.exists(path) else None
        if lib:
            lib.panorama_new.restype, lib.panorama_new.argtypes = ctypes.c_void_p, [ctypes.c_void_p] + [ctypes.c_size_t] * 3
            lib.panorama_free.restype, lib.panorama_free.argtypes = None, [ctypes.c_void_p]
            lib.panorama_search.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_size_t] * 2 + [ctypes.c_void_p] * 2
        _libraries[path] = lib
    return _libraries[path]


def rotation(X):
    """Principal directions of the rows as they are, the best first, as columns; and the rows in them. For dots: with a mean taken
    away first the query's part along it would stay in every rest, and three times as many rows."""
    C = np.zeros((X.shape[1],) * 2)
    for i in range(0, len(X), 8192):
        x = X[i:i + 8192].astype(np.float64)
        C += x.T @ x
    R = np.ascontiguousarray(np.linalg.eigh(C)[1][:, ::-1]).astype(np.float32)
    return R, np.ascontiguousarray(X @ R)


class Panorama:
    """The k rows of the largest dots. A query is turned in the call, as FAISS does it."""

    def __init__(self, turned, levels, avx2=False):
        (self.R, rows), self.lib = turned, library(avx2)
        self.handle = self.lib.panorama_new(data.at(rows), rows.shape[0], rows.shape[1], levels)
        if not self.handle: raise MemoryError("panorama")

    def call(self, Q, k):
        """A function that finds them; len(Q) x k."""
        score, index = np.empty((len(Q), k), np.float32), np.empty((len(Q), k), np.int64)
        a, b = data.at(score), data.at(index)

        def run(r=0):
            turned = (Q[0] @ self.R)[None] if len(Q) == 1 else Q @ self.R
            if self.lib.panorama_search(self.handle, data.at(turned), len(Q), k, a, b): raise MemoryError("panorama")
            return index
        return run

    def __del__(self):
        if getattr(self, "handle", None): self.lib.panorama_free(self.handle)
