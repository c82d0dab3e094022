"""retrieval.py: one step, five steps, a prepared memory, two threads; against numpy, torch and FAISS."""
import ctypes, time
import numpy as np
import blas, data, panorama, peers
from harness import CORES, FULL, SMOKE, THREADS, Case, Peer, Race, pick
from nets import Net, checker, reference
from peers import faiss, torch

D = pick(784, 784, 49)
LARGE = pick(60000, 60000, 500)
BETA = 25.0        # patterns and queries of norm about 1: a handful of patterns matters
AVX2 = 3
SIZE_MAX = 2 ** 64 - 1
TORCH = {"softmax": lambda: peers.torch_softmax, "sparsemax": lambda: peers.torch_sparsemax, "entmax": lambda: peers.torch_entmax15}


def step_rows(X, Q, sep, k=None):
    """Queries as rows, as a programmer writes it."""
    if k: return lambda r: sep(BETA * (Q @ X.T), k=k) @ X
    return lambda r: sep(BETA * (Q @ X.T)) @ X


def keys(kind, N, dim=None): return data.mnist(N, unit=True) if kind == "mnist" else data.random_patterns(N, dim or D)


def queries(kind, X, B): return data.mnist_queries(B, unit=True) if kind == "mnist" else data.stored_queries(X, B)


def work(N, dim, B, sep):
    """Multiply-adds that are needed, twice, and bytes that must be read once."""
    return dict(flops=(4.0 if sep == "softmax" else 2.0) * N * dim * B, bytes=4.0 * N * dim)


def one_step(kind, N, B, sep, threads, dim=None, grows=False):
    """sep: softmax, sparsemax, entmax (1.5) or argmax. grows: one of a curve; against numpy, or torch and a sort, alone."""
    def build():
        X = keys(kind, N, dim)
        Q, beta = queries(kind, X, B), BETA
        out = np.zeros_like(Q)
        net = Net(X, beta, sep, 1.5 if sep == "entmax" else 0.0, threads=threads)
        error = checker(X, Q, beta, sep, 1.5)
        big = not grows and kind == "random" and X.shape[1] == D
        theirs = []
        if sep == "softmax":
            if B == 1: theirs.append(Peer("numpy", lambda r: peers.numpy_one(X, Q[0], beta), error))
            else: theirs.append(Peer("numpy rows", lambda r: peers.numpy_rows(X, Q, beta), error))
        if torch:
            T, tq = torch.from_numpy(X), torch.from_numpy(Q)
            if sep == "argmax":
                theirs.append(Peer("torch argmax", lambda r: (tq @ T.T).max(1)))
            elif B == 1 and sep == "softmax":
                q = tq[0].clone()
                theirs.append(Peer("torch 1-d", lambda r: T.T @ torch.softmax(beta * (T @ q), 0), error))
            else:
                f = TORCH[sep]()
                theirs.append(Peer("torch rows" + ("" if sep == "softmax" else ", sort"), step_rows(T, tq, f), error))
                if sep != "softmax" and B > 1 and N >= 10000 and big:
                    tc = tq.T.contiguous()
                    theirs.append(Peer("torch columns, sort", lambda r: T.T @ f(beta * (T @ tc), dim=0),
                                       lambda answer: error(answer.T)))
                if sep != "softmax" and B == 64 and not grows:
                    theirs.append(Peer("torch rows, top 100", step_rows(T, tq, f, 100), error))
        if faiss and big and (sep == "argmax" or B == 1 and sep == "softmax"):
            index = faiss.IndexFlatIP(X.shape[1])
            index.add(X)
            found = lambda answer: np.abs(X[answer[1][:, 0]][:4] - X[(Q[:4] @ X.T).argmax(1)]).max()
            theirs.append(Peer("FAISS IndexFlatIP", lambda r: index.search(Q, 1), found))
        if grows: theirs = theirs[:1]
        return Race(net.call(Q, out), theirs, lambda: out, error, 5e-4, loop=True, isa=net.isa_name(),
                    note="" if sep == "softmax" else "support %.1f" % net.report(Q)[0].mean(), **work(N, X.shape[1], B, sep))
    name = "retrieve_%s%s" % (sep + "15" if sep == "entmax" else sep, "_mnist" if kind == "mnist" else "")
    return Case(name, "%dx%dx%d" % (N, dim or (784 if kind == "mnist" else D), B), threads, build, None if grows else "%s, %s%s" % (
        "one query" if B == 1 else "64 or 256 queries", {"softmax": "softmax", "argmax": "best pattern only"}.get(sep, "sparsemax, 1.5-entmax"),
        ", of 1,000 patterns" if B > 1 and N <= 1000 else ""))


def with_blas(N, B, dim=None):
    """HFY_CBLAS: softmax whose scores and projection are OpenBLAS's, against the bare two products, on one thread."""
    def build():
        if not (blas.hfy_blas and blas.openblas): return None
        X = data.random_patterns(N, dim or D)
        Q, S = data.stored_queries(X, B), data.aligned((B, N))
        P = data.place(np.full((B, N), 1.0 / N, np.float32))
        out, other, Z = np.zeros_like(Q), np.zeros_like(Q), data.aligned((B, X.shape[1]))
        net, own = Net(X, BETA, "softmax", lib=blas.hfy_blas), Net(X, BETA, "softmax")
        x, q, s, p, z, d = data.at(X), data.at(Q), data.at(S), data.at(P), data.at(Z), X.shape[1]
        loop, f = blas.probe.loop_sgemm, ctypes.cast(blas.openblas.cblas_sgemm, ctypes.c_void_p)

        def products(times):
            for _ in range(times):
                loop(1, f, 111, 112, B, N, d, q, d, x, d, s, N)
                loop(1, f, 111, 111, B, d, N, p, N, x, d, z, d)
        return Race(net.call(Q, out), [Peer("OpenBLAS, two products", products, loop=True), Peer("hfy.h, own products", own.call(Q, other), loop=True)],
                    lambda: out, checker(X, Q, BETA, "softmax"), 5e-4, loop=True, isa=net.isa_name(), **work(N, d, B, "softmax"))
    return Case("retrieve_softmax_blas", "%dx%dx%d" % (N, dim or D, B), 1, build, "64 or 256 queries, softmax, products by OpenBLAS")


def five_steps(N, B, threads, prepared=False):
    """MNIST test images, pixels in [-1, 1], beta 0.1; a textbook loop makes all five steps for every query."""
    def build():
        X, Q, beta = data.mnist(N), data.mnist_queries(B), 0.1
        out = np.zeros_like(Q)
        net = Net(X, beta, "sparsemax", steps=5, threads=threads)
        if prepared and not net.prepare(): raise RuntimeError(net.message())
        exact = reference(X, Q[:8], beta, "sparsemax", steps=5)
        middle = lambda a: float(np.median(np.abs(np.asarray(a)[:8] - exact).max(1)))  # at a tie of patterns one may turn elsewhere
        T, tq = torch.from_numpy(X), torch.from_numpy(Q)

        def loop(r):
            q = tq
            for _ in range(5): q = peers.torch_sparsemax(beta * (q @ T.T)) @ T
            return q
        made = net.report(Q)[1]
        return Race(net.call(Q, out), [Peer("torch rows, sort, 5 steps", loop, middle)], lambda: out, middle, 2e-2, loop=True,
                    isa=net.isa_name(), note="steps made: mean %.2f" % made.mean())
    return Case("five_steps_sparsemax_mnist" + ("_prepared" if prepared else ""), "%dx784x%d" % (N, B), threads, build,
                "five steps of 256 queries, sparsemax%s" % (", prepared" if prepared else ""))


def many(kind, N):
    """Patterns, 64 queries and beta of the cases that take another query every round."""
    if kind == "random":
        X = data.random_patterns(N, D, 28.0)
        return X, data.stored_queries(X, 64, 0.5), 0.08
    return data.mnist(N), data.mnist_queries(64, kind), 0.1


def walk(kind, N, threads, prepared):
    """One query until it stands still, 30 steps at most: what the bounds that go along with it save."""
    def build():
        X, Q, beta = many(kind, N)
        net, single = Net(X, beta, "sparsemax", steps=30, threads=threads), Net(X, beta, "sparsemax", threads=threads)
        if prepared and not (net.prepare() and single.prepare()): raise RuntimeError(net.message())
        out, again = np.zeros_like(Q), np.zeros_like(Q)
        made = [int(net.report(Q[j:j + 1])[1][0]) for j in range(64)]
        calls = [net.call(Q[j:j + 1], out[j:j + 1]) for j in range(64)]
        first = [single.call(Q[j:j + 1], again[j:j + 1]) for j in range(64)]
        later = [single.call(again[j:j + 1], again[j:j + 1]) for j in range(64)]

        def steps(r):
            first[r % 64]()
            for _ in range(made[r % 64] - 1): later[r % 64]()

        def loop(r):
            q = Q[r % 64]
            for _ in range(made[r % 64]): q = peers.numpy_one(X, q, beta)
        for j in range(64): calls[j](), steps(j)
        same = out.tobytes() == again.tobytes()
        return Race(lambda r: calls[r % 64](), [Peer("two sgemv, softmax, a step", loop), Peer("hfy.h, single steps", steps)], lambda: out,
                    lambda a: 0.0 if same else 1.0, 0.0, once=True, isa=net.isa_name(), rounds=pick(25, 9, 2),
                    note="steps made: mean %.2f" % np.mean(made))
    return Case("walk_sparsemax_%s%s" % (kind, "_prepared" if prepared else ""), "%dx784x1" % N, threads, build,
                "one query until it stands still%s" % (", prepared" if prepared else ""))


def prepared(kind, N, B, sep, threads, isa=0, prefix=0):
    """MNIST clean, noise, half, or random patterns of the same norm; a query a round, nothing left in the caches."""
    def build():
        X, Q, beta = many(kind, N)
        parameter = {"entmax": 1.5, "normmax": 2.0}.get(sep, 0.0)
        net, plain = (Net(X, beta, sep, parameter, threads=threads, isa=isa) for _ in "ab")
        began = time.perf_counter()
        size = net.prepare(prefix)
        built = time.perf_counter() - began
        if not size: raise RuntimeError(net.message())
        out, again = np.zeros_like(Q), np.zeros_like(Q)
        for j in range(0, 64, B):  # the same bits as the full scan, for every query that is timed
            net.call(Q[j:j + B], out[j:j + B])()
            plain.call(Q[j:j + B], again[j:j + B])()
        same = out.tobytes() == again.tobytes()
        error = checker(X, Q, beta, sep, parameter)
        calls = [net.call(Q[j:j + B], out[j:j + B]) for j in range(0, 64, B)]
        full = [plain.call(Q[j:j + B], again[j:j + B]) for j in range(0, 64, B)]
        if B == 1:
            two = Peer("two sgemv, softmax", lambda r: peers.numpy_one(X, Q[r % 64], beta))
        else:
            two = Peer("two sgemm, softmax", lambda r: peers.numpy_rows(X, Q, beta))
            if torch:
                T, tq = torch.from_numpy(X), torch.from_numpy(Q)
                two = Peer("two sgemm, softmax", lambda r: torch.softmax(beta * (tq @ T.T), 1) @ T)
        return Race(lambda r: calls[r % len(calls)](), [two, Peer("hfy.h, full scan", lambda r: full[r % len(full)]())], lambda: out,
                    lambda a: error(a) if same else float("inf"), 2e-2, once=True, isa=net.isa_name(), rounds=pick(25, 9, 2),
                    note="index %.0f MB (%.2f of the keys), %d directions, built in %.2f s; support %.1f" % (
                        size * 1e-6, size / X.nbytes, net.prefix(), built, plain.report(Q)[0].mean()))
    name = "prepared_%s_%s" % (sep + "15" if sep == "entmax" else sep + "2" if sep == "normmax" else sep, kind)
    return Case(name + ("_avx2" if isa == AVX2 else ""), "%dx784x%d" % (N, B), threads, build, "prepared memory, %s, %s%s" % (
        "one query" if B == 1 else "64 queries", "random" if kind == "random" else "half a digit" if kind == "half" else "digits",
        ", AVX2" if isa == AVX2 else ""))


def wide(sep, beta, B, isa=0):
    """Many rows get weight: random rows and queries of 512 numbers. An index helps or steps aside."""
    def build():
        rng = np.random.default_rng(3)
        X, Q = data.place(rng.standard_normal((pick(30000, 30000, 3000), 512), np.float32)), data.place(rng.standard_normal((64, 512), np.float32))
        parameter = 1.5 if sep == "entmax" else 0.0
        net, plain = (Net(X, beta, sep, parameter, isa=isa) for _ in "ab")
        if not net.prepare(): raise RuntimeError(net.message())
        out, again = np.zeros_like(Q), np.zeros_like(Q)
        calls = [net.call(Q[j:j + B], out[j:j + B]) for j in range(0, 64, B)]
        full = [plain.call(Q[j:j + B], again[j:j + B]) for j in range(0, 64, B)]
        for j in range(len(calls)): calls[j](), full[j]()
        same = out.tobytes() == again.tobytes()
        return Race(lambda r: calls[r % len(calls)](), [Peer("hfy.h, full scan", lambda r: full[r % len(full)]())], lambda: out,
                    lambda a: 0.0 if same else 1.0, 0.0, once=True, isa=net.isa_name(), rounds=pick(25, 9, 2),
                    note="support %.0f" % plain.report(Q)[0].mean())
    return Case("prepared_wide_%s_%g%s" % (sep, beta, "_avx2" if isa == AVX2 else ""), "30000x512x%d" % B, 1, build)


def certificate(kind, N, k):
    """The k best by certified bounds, and by the same integer dots without: the 10 k best of those, scored."""
    def build():
        X, Q, beta = many(kind, N)
        net = Net(X, beta, "argmax", k)
        if not net.prepare(SIZE_MAX): raise RuntimeError(net.message())  # no prefix: the peer has none
        out, best = np.zeros_like(Q), np.zeros((64, k))
        guess = [lambda j=j: net.lib.bench_guess(net.handle, data.at(Q[j]), k, data.at(best[j])) for j in range(64)]
        calls = [net.call(Q[j:j + 1], out[j:j + 1]) for j in range(64)]
        wrong = 0
        for j in range(64):
            calls[j]()
            if guess[j](): raise RuntimeError(net.message())
            exact = np.sort((X.astype(np.float64) @ Q[j].astype(np.float64)) * beta)[-k:][::-1]
            wrong += bool((np.abs(best[j] - exact) > 1e-5 * np.abs(exact).max()).any())
        return Race(lambda r: calls[r % 64](), [Peer("no bounds, the best %d" % (10 * k), lambda r: guess[r % 64]())], lambda: out,
                    lambda a: 0.0, 0.0, once=True, isa=net.isa_name(), rounds=pick(65, 25, 2), note="wrong answers without: %d of 64" % wrong)
    return Case("certificate_%s_k%d" % (kind, k), "%dx784x1" % N, 1, build)


def spectrum(kind, N):
    """Rows and 64 queries: pictures, half pictures; power: variances 1/i along turned axes; unit: random directions, stored queries."""
    if kind in ("clean", "half"): return data.mnist(N), data.mnist_queries(64, kind)
    if kind == "unit":
        X = data.random_patterns(N, D)
        return X, data.stored_queries(X, 64)
    rng = np.random.default_rng(11)
    axes = (np.linalg.qr(rng.standard_normal((D, D)))[0] * np.arange(1, D + 1)[:, None] ** -0.5).astype(np.float32)
    return data.place(rng.standard_normal((N, D), np.float32) @ axes), data.place(rng.standard_normal((64, D), np.float32) @ axes)


def pruned(kind, N, k, B, isa=0):
    """The k best by an index and by Panorama's exact pruned search (panorama.c), at each of its counts of levels."""
    def build():
        if not panorama.library(isa == AVX2): return None
        X, Q = spectrum(kind, N)
        net = Net(X, 1.0, "argmax", k, isa=isa)
        if not net.prepare(): raise RuntimeError(net.message())
        turned, out = panorama.rotation(X), np.zeros_like(Q)
        exact = np.stack([X[np.argsort(-(X.astype(np.float64) @ q.astype(np.float64)), kind="stable")[:k]].sum(0, dtype=np.float64) for q in Q])
        error = lambda a: float(np.abs(a - exact).max())
        calls, theirs = [net.call(Q[j:j + B], out[j:j + B]) for j in range(0, 64, B)], []
        for call in calls: call()
        for levels in panorama.LEVELS:
            found = [panorama.Panorama(turned, levels, isa == AVX2).call(Q[j:j + B], k) for j in range(0, 64, B)] if B == 64 else None
            one = None if found else panorama.Panorama(turned, levels, isa == AVX2)
            found = found or [one.call(Q[j:j + 1], k) for j in range(64)]
            wrong = error(np.concatenate([X[f()].sum(1, dtype=np.float64) for f in found]))
            theirs.append(Peer("Panorama, %d levels" % levels, lambda r, f=found: f[r % len(f)](), lambda answer, e=wrong: e))
        return Race(lambda r: calls[r % len(calls)](), theirs, lambda: out, error, 1e-3 * k, once=True, isa=net.isa_name(),
                    rounds=pick(65 if B == 1 else 9, 25 if B == 1 else 5, 2), note="%d directions" % net.prefix())
    return Case("pruned_%s_k%d%s" % (kind, k, "_avx2" if isa == AVX2 else ""), "%dx%dx%d" % (N, 784 if kind in ("clean", "half") else D, B), 1, build)


def two_threads(N, B, sep):
    """The OpenMP build on two threads against the plain build."""
    def build():
        X = keys("random", N)
        Q = queries("random", X, B)
        out, alone = np.zeros_like(Q), np.zeros_like(Q)
        parameter = 1.5 if sep == "entmax" else 0.0
        both, one = (Net(X, BETA, sep, parameter, threads=t) for t in (2, 1))
        same = lambda a: 0.0 if out.tobytes() == alone.tobytes() else 1.0
        one.call(Q, alone)()
        return Race(both.call(Q, out), [Peer("hfy.h, 1 thread", one.call(Q, alone), loop=True)], lambda: out, same, 0.0, loop=True,
                    isa=both.isa_name(), **work(N, D, B, sep))
    return Case("two_threads_" + (sep + "15" if sep == "entmax" else sep), "%dx%dx%d" % (N, D, B), 2, build, "two threads")


def cases():
    out, mnist = [], data.has_mnist()
    for N in pick((1000, 10000, 60000), (10000, 60000), (500,)):
        for B in pick((1, 64, 256), (1, 64), (1, 64)):
            for threads in THREADS:
                if not FULL and not SMOKE and (threads == 2 or N < LARGE) and B > 1: continue
                for sep in ("softmax", "sparsemax", "entmax", "argmax"):
                    if sep == "entmax" and not FULL and B > 1: continue
                    out.append(one_step("random", N, B, sep, threads))
    for N in pick((1000, 10000, 60000), (10000, 60000), (500,)):
        for B in (64, 256): out.append(with_blas(N, B))
    if CORES > 1:
        for B in pick((1, 64, 256), (1, 64), (1, 64)):
            for sep in ("softmax", "sparsemax"): out.append(two_threads(LARGE, B, sep))
    if mnist:
        for B in pick((1, 64, 256), (1,), (1,)):
            for threads in THREADS if FULL else (1,):
                for sep in ("softmax", "sparsemax", "entmax"): out.append(one_step("mnist", LARGE, B, sep, threads))
        if torch:
            for threads in THREADS if FULL else (1,):
                for index in (False, True): out.append(five_steps(LARGE, pick(256, 64, 8), threads, index))
    kinds = (("clean", "noise", "half") if mnist else ()) + (("random",) if not SMOKE else ())
    for kind in kinds if FULL else kinds[:1]:
        for threads in THREADS if FULL else (1,):
            for index in (False, True): out.append(walk(kind, LARGE, threads, index))
    for kind in kinds:
        for threads in THREADS if FULL else (1,):
            for sep in ("sparsemax", "entmax", "normmax", "argmax") if FULL else ("sparsemax",):
                out.append(prepared(kind, LARGE, 1, sep, threads))
            out.append(prepared(kind, LARGE, 64, "sparsemax", threads))
        if blas.hfy.bench_isa(AVX2) and blas.hfy.bench_isa(0) != blas.hfy.bench_isa(AVX2):
            out.append(prepared(kind, LARGE, 1, "sparsemax", 1, AVX2))
    for kind in kinds if FULL else kinds[:1]:
        for k in (1, 10): out.append(certificate(kind, LARGE, k))
    sets = [(kind, k) for kind in (("clean", "half") if mnist else ()) + ("power", "unit") for k in (1, 10)] + ([("clean", 100)] if mnist else [])
    for kind, k in sets if FULL else sets[-2:] if SMOKE else sets[:1]:
        for B in (1, 64):
            for isa in (0, AVX2) if FULL and blas.hfy.bench_isa(AVX2) else (0,): out.append(pruned(kind, LARGE, k, B, isa))
    for sep, beta in (("sparsemax", 0.0015), ("entmax", 0.006)) + ((("sparsemax", 2e-5), ("entmax", 0.002), ("entmax", 2e-4)) if FULL else ()):
        for B in (1, 64) if FULL else (1,): out.append(wide(sep, beta, B))
    if FULL:
        for B in (1, 64):
            for threads in THREADS:
                for sep in ("softmax", "sparsemax"): out.append(one_step("random", 1000000, B, sep, threads, 64))
    return out
