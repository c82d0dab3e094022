"""peers.py: float64 references (numpy) that answers are checked against, and the field's textbook algorithms (torch, numpy)
that stand in where a peer is no Debian package. RECORDED has figures of the packages themselves, measured once on another
two-core machine (Cascade Lake, 2.7-3.1 GHz): seconds, for orientation only."""
import numpy as np

try: import torch
except ImportError: torch = None
try: import faiss
except ImportError: faiss = None

# --- float64 references, rows ---


def ref_softmax(z, _=None):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _threshold(f, low, high):
    """Where the falling f crosses 1, row by row, to the last bit of a double."""
    for _ in range(100):
        middle = (low + high) / 2
        above = f(middle) >= 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return low


def ref_sparsemax(z, _=None):
    z = z - z.max(1, keepdims=True)
    s = -np.sort(-z, 1)
    c = np.cumsum(s, 1) - 1
    n = (np.arange(1, z.shape[1] + 1) * s > c).sum(1)
    return np.maximum(z - (c[np.arange(len(z)), n - 1] / n)[:, None], 0)


def _window(z, width):
    """Only scores within `width` of the best can have weight: one compact row for each row, padded with -inf."""
    z = z - z.max(1, keepdims=True)
    n = max(int((z > -width).sum(1).max()), 1)
    if n < z.shape[1] // 2:
        at = np.argpartition(-z, n - 1, 1)[:, :n]
        return np.take_along_axis(z, at, 1), at
    return z, None


def _spread(p, at, shape):
    if at is None: return p
    full = np.zeros(shape)
    np.put_along_axis(full, at, p, 1)
    return full


def ref_entmax(z, alpha):
    w, at = _window(z, 1 / (alpha - 1))
    w, one = w * (alpha - 1), np.ones((len(z), 1))
    power = lambda t: np.maximum(w - t, 0) ** (1 / (alpha - 1))
    p = power(_threshold(lambda t: power(t).sum(1, keepdims=True), -one, 0 * one))
    return _spread(p / p.sum(1, keepdims=True), at, z.shape)


def ref_normmax(z, gamma):
    w, at = _window(z, 1)
    one = np.ones((len(z), 1))
    power = lambda t: np.maximum(w - t, 0) ** (1 / (gamma - 1))
    p = power(_threshold(lambda t: (power(t) ** gamma).sum(1, keepdims=True), -one, 0 * one))
    return _spread(p / p.sum(1, keepdims=True), at, z.shape)


def ref_ksubsets(z, k, upper=1.0):
    clip = lambda t: np.minimum(np.maximum(z - t, 0), upper)
    top = z.max(1, keepdims=True)
    return clip(_threshold(lambda t: clip(t).sum(1, keepdims=True) / k, z.min(1, keepdims=True) - np.max(upper) - 1, top))


def ref_argmax(z, _=None):
    p = np.zeros_like(z)
    p[np.arange(len(z)), z.argmax(1)] = 1
    return p


REFERENCE = {"softmax": ref_softmax, "sparsemax": ref_sparsemax, "entmax": ref_entmax, "normmax": ref_normmax,
             "ksubsets": ref_ksubsets, "argmax": ref_argmax}

# --- textbook torch, any axis ---


def _ramp(z, n, dim):
    shape = [1] * z.dim()
    shape[dim] = n
    return torch.arange(1, n + 1, dtype=z.dtype, device=z.device).view(shape)


def _sparsemax_threshold(s, dim):
    """s sorted, descending: the threshold and the size of the support (Held, Wolfe, Crowder 1974; Martins, Astudillo 2016)."""
    c = s.cumsum(dim) - 1
    n = (_ramp(s, s.shape[dim], dim) * s > c).sum(dim, keepdim=True)
    return c.gather(dim, n - 1) / n, n


def _entmax15_threshold(s, dim):
    """The closed form of 1.5-entmax on halved, sorted scores (Peters, Niculae, Martins 2019)."""
    n = _ramp(s, s.shape[dim], dim)
    mean = s.cumsum(dim) / n
    spread = n * ((s * s).cumsum(dim) / n - mean * mean)
    tau = mean - torch.sqrt(torch.clamp((1 - spread) / n, min=0))
    size = (tau <= s).sum(dim, keepdim=True)
    return tau.gather(dim, size - 1), size


def _top(z, threshold, k, dim):
    """The threshold from the k largest only; rows whose support fills k are solved again with 2k, 4k, ..."""
    n = z.shape[dim]
    if k >= n: return threshold(z.sort(dim, descending=True).values, dim)[0]
    tau, size = threshold(z.topk(k, dim).values, dim)
    short = (size >= k).squeeze(dim)
    if short.any():
        if dim == 0: tau[:, short] = _top(z[:, short], threshold, 2 * k, dim)
        else: tau[short] = _top(z[short], threshold, 2 * k, dim)
    return tau


def torch_softmax(z, _=None, dim=1): return torch.softmax(z, dim)


def torch_sparsemax(z, _=None, dim=1, k=None):
    z = z - z.amax(dim, keepdim=True)
    tau = _top(z, _sparsemax_threshold, k or z.shape[dim], dim)
    return torch.clamp(z - tau, min=0)


def torch_entmax15(z, _=None, dim=1, k=None):
    z = (z - z.amax(dim, keepdim=True)) / 2
    tau = _top(z, _entmax15_threshold, k or z.shape[dim], dim)
    return torch.clamp(z - tau, min=0) ** 2


def torch_entmax_bisect(z, alpha, dim=1, steps=50):
    z = z * (alpha - 1)
    low = z.amax(dim, keepdim=True) - 1
    width = 1 - float(z.shape[dim]) ** (1 - alpha)
    for _ in range(steps):
        width /= 2
        middle = low + width
        p = torch.clamp(z - middle, min=0) ** (1 / (alpha - 1))
        low = torch.where(p.sum(dim, keepdim=True) >= 1, middle, low)
    return p / p.sum(dim, keepdim=True)


def torch_normmax_bisect(z, gamma, dim=1, steps=50):
    low = z.amax(dim, keepdim=True) - 1
    width = 1 - float(z.shape[dim]) ** (1 / gamma - 1)
    for _ in range(steps):
        width /= 2
        middle = low + width
        p = torch.clamp(z - middle, min=0) ** (1 / (gamma - 1))
        low = torch.where((p ** gamma).sum(dim, keepdim=True) >= 1, middle, low)
    return p / p.sum(dim, keepdim=True)


def torch_ksubsets_bisect(z, k, dim=1, steps=50):
    low, high = z.amin(dim, keepdim=True) - 1, z.amax(dim, keepdim=True)
    for _ in range(steps):
        middle = (low + high) / 2
        above = torch.clamp(z - middle, 0, 1).sum(dim, keepdim=True) >= k
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return torch.clamp(z - low, 0, 1)


def numpy_bounded_sparsemax(z, upper):
    """One row: where the piecewise linear sum of clip(z - t, 0, upper) crosses 1, over its sorted corners (the textbook way)."""
    corners = np.concatenate([z, z - upper])
    slope = np.concatenate([np.ones_like(z), -np.ones_like(z)])
    order = np.argsort(-corners)
    corners, slope = corners[order], np.cumsum(slope[order])
    total = np.concatenate([[0.0], np.cumsum(slope[:-1] * (corners[:-1] - corners[1:]))])
    i = np.searchsorted(total, 1.0) - 1
    return np.clip(z - (corners[i] - (1 - total[i]) / slope[i]), 0, upper)


# --- numpy and torch retrieval, one step ---


def numpy_one(X, q, beta):
    s = X @ q
    s *= np.float32(beta)
    s -= s.max()
    np.exp(s, out=s)
    s /= s.sum()
    return s @ X


def numpy_rows(X, Q, beta):
    S = Q @ X.T
    S *= np.float32(beta)
    S -= S.max(1, keepdims=True)
    np.exp(S, out=S)
    S /= S.sum(1, keepdims=True)
    return S @ X


# --- figures of packages that are not here (seconds; 21-22 November 2026, see the docstring) ---
RECORDED = {
    # lp-sparsemap, one k-subsets row, float64: (n, k)
    "lp-sparsemap": {(100, 2): 323e-6, (100, 4): 500e-6, (100, 8): 375e-6, (1000, 2): 2.16e-3, (1000, 4): 2.7e-3,
                     (1000, 8): 3.85e-3, (10000, 2): 20.2e-3, (10000, 4): 24.6e-3, (10000, 8): 47.1e-3},
    # lp-sparsemap, one row of sequential k-subsets, float64: (n, k, transition): 100 inner iterations, its defaults (which
    # stop early: gaps of 0.2 to 1)
    "lp-sparsemap sequence": {
        (100, 2, 0): (3.86e-3, 1.98e-3), (100, 2, 1): (3.58e-3, 1.9e-3), (100, 4, 0): (4.64e-3, 2.44e-3),
        (100, 4, 1): (9.58e-3, 2.67e-3), (100, 8, 0): (8.52e-3, 2.42e-3), (100, 8, 1): (6.85e-3, 2.51e-3),
        (1000, 2, 0): (30.9e-3, 15.2e-3), (1000, 2, 1): (42.1e-3, 15.3e-3), (1000, 4, 0): (46.2e-3, 14.2e-3),
        (1000, 4, 1): (50e-3, 18.2e-3), (1000, 8, 0): (109e-3, 16.7e-3), (1000, 8, 1): (81.3e-3, 17.5e-3),
        (10000, 2, 0): (377e-3, 164e-3), (10000, 2, 1): (334e-3, 159e-3), (10000, 4, 0): (920e-3, 176e-3),
        (10000, 4, 1): (449e-3, 203e-3), (10000, 8, 0): (1.65, 193e-3), (10000, 8, 1): (1.38, 183e-3)},
    # HFYN's numpy constrained sparsemax, one row, float64: (n, bounds)
    "HFYN csparsemax": {(128, "loose"): 235e-6, (128, "tight"): 289e-6, (1024, "loose"): 713e-6, (1024, "tight"): 2.43e-3,
                        (10000, "loose"): 11e-3, (10000, "tight"): 22.8e-3},
    # the entmax package, ns an element, one thread, 256 rows of flat scores: (method, n)
    "entmax": {("sparsemax", 64): 82.6, ("sparsemax", 512): 78.6, ("sparsemax", 4096): 89.4, ("sparsemax", 60000): 113,
               ("sparsemax100", 64): 82.5, ("sparsemax100", 512): 32.7, ("sparsemax100", 4096): 19.7, ("sparsemax100", 60000): 11.5,
               ("entmax15", 64): 95.5, ("entmax15", 512): 93.6, ("entmax15", 4096): 114, ("entmax15", 60000): 189,
               ("entmax15100", 64): 94.7, ("entmax15100", 512): 35.1, ("entmax15100", 4096): 21.9, ("entmax15100", 60000): 17.7,
               ("entmax1.3", 64): 1150, ("entmax1.3", 512): 718, ("entmax1.3", 4096): 684, ("entmax1.3", 60000): 1180,
               ("normmax2", 64): 2290, ("normmax2", 512): 1800, ("normmax2", 4096): 1770, ("normmax2", 60000): 1710,
               ("normmax5", 64): 1830, ("normmax5", 512): 1450, ("normmax5", 4096): 1290, ("normmax5", 60000): 1240,
               ("ksubsets4", 64): 285, ("ksubsets4", 512): 85.3, ("ksubsets4", 4096): 120, ("ksubsets4", 60000): 144},
}
