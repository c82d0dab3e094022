"""klr.py: kernel memories (training, recall) and symmetric eigenvalues, SVD, pseudo-inverse, against numpy."""
import ctypes, time
import numpy as np
import blas, data
from harness import Case, Peer, Race, pick

LAM = 0.01
_d, _z, _p, _i = ctypes.c_double, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int
for _lib in (blas.hfy, blas.hfy_omp):
    for _name in ("loss", "largest", "iterations"): getattr(_lib, "bench_kernel_" + _name).restype = _d
    _lib.bench_kernel_message.restype = ctypes.c_char_p
    _lib.bench_kernel_train.argtypes = [_z, _z, _z, _p, _d, _i, _z, _d, _p, _p]
    _lib.bench_kernel_recall.argtypes = [_z, _z, _z, _p, _d, _p, _i, _p, _z, _z, _p, _z, _p]
    _lib.bench_kernel_quantize.argtypes = [_p, _z, _p]
    _lib.bench_eigen.argtypes = [_z, _p, _z, _p, _p]
    _lib.bench_svd.argtypes = [_z, _p, _z, _z, _p, _p, _p]
    _lib.bench_pinv.argtypes = [_z, _p, _z, _z, _p]


def patterns(P, N, seed=42):
    return np.where(np.random.default_rng(seed).random((P, N)) < .5, -1.0, 1.0)


def pack(X):
    bits = np.packbits(X > 0, axis=1, bitorder="little")
    out = np.zeros((len(X), (X.shape[1] + 63) // 64 * 8), np.uint8)
    out[:, :bits.shape[1]] = bits
    return out.view(np.uint64)


def unpack(words, N):
    return np.where(np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, :N], 1.0, -1.0)


def gram(A, B, gamma):
    return np.exp(2 * gamma * (A @ B.T - A.shape[1]))


def loss(H, A, X):
    return np.logaddexp(0, -X * H).sum() + LAM / 2 * (A * H).sum()


def descend(K, X, eta, steps):
    """The papers' training, in place as far as numpy goes."""
    Y, A = (X + 1) / 2, np.zeros_like(X)
    for _ in range(steps):
        H = K @ A
        np.negative(H, out=H); np.exp(H, out=H); H += 1; np.reciprocal(H, out=H)
        H -= Y; H += LAM * A
        A -= eta * (K @ H)
    return A


class Memory:
    def __init__(self, N, P, gamma, threads):
        self.N, self.P, self.gamma, self.lib = N, P, gamma, blas.library(threads)
        self.X = patterns(P, N)
        self.bits, self.K, self.A = pack(self.X), np.ascontiguousarray(gram(self.X, self.X, gamma)), np.zeros((P, N))

    def train(self, trainer, iterations, eta=0.1, own_gram=True):
        K = data.at(self.K) if own_gram else None
        def run(times=1, self=self):
            if self.lib.bench_kernel_train(times, self.P, self.N, data.at(self.bits), self.gamma, trainer, iterations, eta, K, data.at(self.A)):
                raise RuntimeError(self.lib.bench_kernel_message().decode())
        return run


def iteration(N, P, steps, threads):
    """The papers' descent, step for step."""
    def build():
        m = Memory(N, P, 0.02, threads)
        exact = descend(m.K, m.X, 0.1, steps)
        error = lambda a: np.abs(np.asarray(a) - exact).max()
        return Race(m.train(1, steps), [Peer("numpy, the same steps", lambda r: descend(m.K, m.X, 0.1, steps), error)],
                    lambda: m.A, error, 1e-8, loop=True, flops=4.0 * P * P * N * steps, note="%d steps, double" % steps)
    return Case("klr_descent", "N%dxP%d" % (N, P), threads, build, "kernel memory: the papers' descent")


def same_loss(N, P, threads):
    """What the papers' 200 steps reach, reached otherwise."""
    def build():
        m = Memory(N, P, 0.02, threads)
        A = descend(m.K, m.X, 0.1, 200)
        target = loss(m.K @ A, A, m.X)
        for k in range(1, 200):
            m.train(0, k)()
            if m.lib.bench_kernel_loss() <= target: break
        return Race(m.train(0, k, own_gram=False), [Peer("numpy, 200 steps of descent", lambda r: descend(gram(m.X, m.X, 0.02), m.X, 0.1, 200))],
                    lambda: m.A, lambda a: max(0.0, (loss(m.K @ a, a, m.X) - target) / target), 1e-12, loop=True,
                    note="%d iterations, Gram matrix and factor included" % k)
    return Case("klr_same_loss", "N%dxP%d" % (N, P), threads, build, "kernel memory: to the loss of 200 steps")


def residual(threads):
    """To max|r| < 1e-8, against descent at its largest stable step to a relative suboptimality of 1e-6."""
    def build():
        N, P = 100, 400
        m = Memory(N, P, 0.01, threads)
        m.train(0, 0)()
        best, largest, its = m.lib.bench_kernel_loss(), m.lib.bench_kernel_largest(), m.lib.bench_kernel_iterations()
        eta, Y, A = 1.9 / (largest ** 2 / 4 + LAM * largest), (m.X + 1) / 2, np.zeros((P, N))
        began, steps, most, reached = time.perf_counter(), 0, pick(60.0, 20.0, 0.2), np.inf
        while reached > 1e-6 and time.perf_counter() - began < most:
            for _ in range(100):
                H = m.K @ A
                np.negative(H, out=H); np.exp(H, out=H); H += 1; np.reciprocal(H, out=H)
                H -= Y; H += LAM * A
                A -= eta * (m.K @ H)
            steps += 100
            reached = loss(m.K @ A, A, m.X) / best - 1
        spent = time.perf_counter() - began
        check = lambda a: np.abs(1 / (1 + np.exp(-(m.K @ a))) - Y + LAM * a).max()
        return Race(m.train(0, 0, own_gram=False), [Peer("numpy descent, once (%d steps)" % steps, None, seconds=spent)], lambda: m.A, check, 1.1e-8,
                    loop=True, note="%d iterations; the peer got to %.1e" % (its, reached))
    return Case("klr_residual_1e-8", "N100xP400", threads, build, "kernel memory: to a residual of 1e-8")


def recall(N, P, B, width, nearest, threads, skips=False):
    """One synchronous step of B states, a tenth of their bits wrong. skips: with the bounds of hfy_kernel_bound."""
    def build():
        m = Memory(N, P, 0.05 if N < 500 else 0.01, threads)
        m.train(0, 0)()
        rng = np.random.default_rng(7)
        S = m.X[:B].copy()
        for s in S: s[rng.choice(N, N // 10, replace=False)] *= -1
        bits, out = pack(S), np.zeros((B, m.bits.shape[1]), np.uint64)
        bytes_ = np.zeros((P, N), np.int8)
        m.lib.bench_kernel_quantize(data.at(m.A), P * N, data.at(bytes_))
        alpha = {8: m.A, 4: m.A.astype(np.float32), 1: bytes_}[width]
        bound = np.abs(alpha.astype(np.float64)).max(0)
        def run(times=1):
            if m.lib.bench_kernel_recall(times, P, N, data.at(m.bits), m.gamma, data.at(alpha), width, data.at(bound) if skips else None, nearest, 1, data.at(bits), B, data.at(out)):
                raise RuntimeError(m.lib.bench_kernel_message().decode())
        def one_by_one(r):
            h = np.empty((B, N))
            for b in range(B): h[b] = np.exp(-m.gamma * ((m.X - S[b]) ** 2).sum(1)) @ m.A
            return np.where(h > 0, 1.0, -1.0)
        def together(r): return np.where(gram(S, m.X, m.gamma) @ m.A > 0, 1.0, -1.0)
        exact = together(0)
        wrong = lambda a: float((np.asarray(a) != exact).mean())
        return Race(run, [Peer("numpy, state by state", one_by_one, wrong), Peer("numpy, two products", together, wrong)],
                    lambda: unpack(out, N), wrong, 1e-12 if width == 8 and not nearest else 0.02, loop=True,
                    note="%s%s%s" % ({8: "double", 4: "float", 1: "8 bits"}[width], ", %d nearest" % nearest if nearest else "", ", skipping" if skips else ""))
    return Case("klr_recall%s%s%s" % ({8: "", 4: "_float", 1: "_bytes"}[width], "_nearest%d" % nearest if nearest else "", "_skipping" if skips else ""),
                "%dxN%dxP%d" % (B, N, P), threads, build, "kernel memory: recall%s" % (
                    " with bounds" if skips else " by the nearest" if nearest else ""))


def spectra(what, rows, columns):
    def build():
        rng = np.random.default_rng(3)
        a = rng.standard_normal((rows, columns))
        r = min(rows, columns)
        values, left, right, inverse = np.zeros(r), np.zeros((r, rows)), np.zeros((r, columns)), np.zeros((columns, rows))
        if what.startswith("eig"): a = (a + a.T) / 2
        lib = blas.hfy
        if what == "eigvalsh":
            run, peer, answer = lambda t=1: lib.bench_eigen(t, data.at(a), rows, data.at(values), None), lambda q: np.linalg.eigvalsh(a)[::-1], lambda: values
        elif what == "eigh":
            run, peer, answer = lambda t=1: lib.bench_eigen(t, data.at(a), rows, data.at(values), data.at(left)), lambda q: np.linalg.eigh(a)[0][::-1], lambda: values
        elif what == "svd":
            run, peer, answer = lambda t=1: lib.bench_svd(t, data.at(a), rows, columns, data.at(values), data.at(left), data.at(right)), lambda q: np.linalg.svd(a, full_matrices=False)[1], lambda: values
        else:
            run, peer, answer = lambda t=1: lib.bench_pinv(t, data.at(a), rows, columns, data.at(inverse)), lambda q: np.linalg.pinv(a), lambda: inverse
        exact = peer(0)
        error = lambda x: np.abs(np.asarray(x) - exact).max() / np.abs(exact).max()
        return Race(run, [Peer("numpy " + what, peer, error)], answer, error, 1e-9, loop=True)
    return Case(what, "%dx%d" % (rows, columns), 1, build, {"eigvalsh": "symmetric eigenvalues", "eigh": "symmetric eigenvectors", "svd": "SVD",
                                                               "pinv": "pseudo-inverse"}[what])


def cases():
    out = [iteration(100, 400, 200, 1), same_loss(100, 400, 1), residual(1)]
    if pick(1, 1, 0):
        out += [iteration(500, 2000, 10, 1), same_loss(500, 2000, 1)]
    for t in pick((1, 2), (1,), (1,)):
        out += [recall(100, 400, 100, 8, 0, t), recall(100, 400, 100, 4, 0, t), recall(100, 400, 100, 8, 4, t), recall(100, 400, 100, 1, 4, t), recall(100, 400, 100, 8, 0, t, True)]
    if pick(1, 1, 0): out += [recall(1000, 2000, 200, 8, 0, 1), recall(1000, 2000, 200, 4, 0, 1), recall(1000, 2000, 200, 8, 8, 1),
                              recall(1000, 2000, 200, 8, 0, 1, True), recall(1000, 2000, 200, 4, 0, 1, True)]
    for n in pick((200, 500, 1000), (200, 500), (50,)): out.append(spectra("eigvalsh", n, n))
    for what in ("eigh", "svd", "pinv"):
        for shape in pick(((400, 400), (2000, 500)), ((400, 400),), ((40, 30),)):
            out.append(spectra(what, shape[0] if what != "eigh" else shape[1], shape[1]))
    return out
