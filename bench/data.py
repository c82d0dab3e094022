"""data.py: what is stored and asked for. Big arrays are kept one at a time."""
import ctypes, os
import numpy as np

_kept = {}


def _once(key, make):
    if key not in _kept:
        _kept.clear()
        _kept[key] = make()
    return _kept[key]


def aligned(shape, dtype=np.float32):
    """Zeros that start on a cache line, as every library likes them."""
    n = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(n + 64, np.uint8)
    at = -raw.ctypes.data % 64
    return raw[at:at + n].view(dtype).reshape(shape)


def place(a):
    out = aligned(a.shape, a.dtype)
    out[...] = a
    return out


def at(a):
    """Its address, which keeps the array alive."""
    pointer = ctypes.c_void_p(a.ctypes.data)
    pointer.array = a
    return pointer


def random_patterns(count, dim, norm=1.0):
    """Gaussian directions, all of one norm."""
    def make():
        rng, X = np.random.default_rng(0), aligned((count, dim))
        for i in range(0, count, 65536):
            x = rng.standard_normal((min(65536, count - i), dim), dtype=np.float32)
            X[i:i + len(x)] = x * (norm / np.linalg.norm(x, axis=1, keepdims=True))
        return X
    return _once(("random", count, dim, norm), make)


def _idx(name):
    path = os.path.join(os.environ.get("MNIST") or "", name)
    if not os.environ.get("MNIST") or not os.path.exists(path): return None
    raw = np.fromfile(path, np.uint8)
    assert raw[:4].tolist() == [0, 0, 8, 3], path + " is not an idx3-ubyte file"
    n, h, w = raw[4:16].view(">i4")
    return raw[16:16 + int(n) * int(h) * int(w)].reshape(n, h * w)


def has_mnist():
    return _idx("train-images-idx3-ubyte") is not None and _idx("t10k-images-idx3-ubyte") is not None


def mnist(count=60000, unit=False):
    """Training images, pixels in [-1, 1], or in [0, 1] and then of norm 1."""
    def make():
        x = _idx("train-images-idx3-ubyte")[:count].astype(np.float32)
        if not unit: return place(x / np.float32(127.5) - 1)
        return place(x / np.linalg.norm(x, axis=1, keepdims=True))
    return _once(("mnist", count, unit), make)


def mnist_queries(count, kind="clean", unit=False):
    """Test images: clean, with Gaussian noise of 0.5, or with the lower half blank."""
    x = _idx("t10k-images-idx3-ubyte")[:count].astype(np.float32)
    if unit: return place(x / np.linalg.norm(x, axis=1, keepdims=True))
    x = x / np.float32(127.5) - 1
    if kind == "noise": x += 0.5 * np.random.default_rng(7).standard_normal(x.shape, dtype=np.float32)
    if kind == "half": x[:, 392:] = 0
    return place(x)


def stored_queries(X, count, noise=0.02, seed=3):
    """Stored patterns with Gaussian noise."""
    rng = np.random.default_rng(seed)
    return place(X[rng.integers(0, len(X), count)] + np.float32(noise) * rng.standard_normal((count, X.shape[1]), dtype=np.float32))


def scores(rows, n, kind):
    """Rows of scores: flat = N(0, 16); peaked = one score 60 above; dense = N(0, 1)/1000, nearly everything in the support."""
    def make():
        rng, z = np.random.default_rng(1), aligned((rows, n))
        for i in range(rows): z[i] = rng.standard_normal(n, dtype=np.float32) * np.float32(0.001 if kind == "dense" else 4)
        if kind == "peaked": z[np.arange(rows), rng.integers(0, n, rows)] += 60
        return z
    return _once(("scores", rows, n, kind), make)
