"""attention.py: many heads of many queries in one call, against torch's products: softmax(Q K' / sqrt d) V, unfused as this torch
has it, into its own new arrays; causal, torch adds a mask that it has. 1.5-entmax against the same softmax: what sparsity costs.
AVX2 is what most machines have: ATEN_CPU_CAPABILITY=avx2 OPENBLAS_CORETYPE=Haswell in the environment holds torch to it, too."""
import math
import numpy as np
import blas, data
from harness import THREADS, Case, Peer, Race, pick
from peers import torch

AVX2 = 3


def exact(q, k, v, causal, rows):
    """softmax(q k' / sqrt d) v of some rows of the last head, in float64."""
    s = q[-1, rows].astype(np.float64) @ k[-1].astype(np.float64).T / math.sqrt(q.shape[2])
    if causal: s[np.arange(s.shape[1]) > rows[:, None]] = -np.inf
    e = np.exp(s - s.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True) @ v[-1].astype(np.float64)


def race(L, D, heads, causal, isa, threads, sep="softmax"):
    def build():
        if not torch or (isa and not blas.hfy.bench_isa(isa)): return None
        rng = np.random.default_rng(4)
        q, k, v, out = (data.aligned((heads, L, D)) for _ in range(4))
        for a in (q, k, v): a[:] = rng.standard_normal(a.shape, dtype=np.float32)
        tq, tk, tv = (torch.from_numpy(a) for a in (q, k, v))
        mask = torch.full((L, L), -math.inf).triu(1) if causal else None
        lib, rows = blas.library(threads), np.array([0, L // 3, L - 1])
        want = exact(q, k, v, causal, rows)

        def call(times):
            if lib.bench_attention(times, sep.encode(), causal, heads, L, D, data.at(q), data.at(k), data.at(v), data.at(out), isa):
                raise RuntimeError("bench_attention")

        def products(r):
            s = torch.bmm(tq, tk.transpose(1, 2)) * D ** -.5
            return torch.bmm(torch.softmax(s + mask if causal else s, -1), tv)

        def error(answer): return np.abs(np.asarray(answer).reshape(out.shape)[-1, rows] - want).max()
        flops = 4.0 * heads * L * L * D / (2 if causal else 1)
        return Race(call, [Peer("torch products", products, error)], lambda: out, error if sep == "softmax" else None, 1e-5, loop=True,
                    isa=blas.hfy.bench_isa(isa).decode(), flops=flops)
    return Case("attention%s%s%s" % ("" if sep == "softmax" else "_" + sep + "15", "_causal" if causal else "", "_avx2" if isa else ""),
                "%dx%d, %d heads" % (L, D, heads), threads, build)


def cases():
    shapes = pick(((128, 32, 8), (128, 64, 8), (512, 64, 8), (512, 128, 8), (2048, 64, 2), (4096, 128, 1)),
                  ((128, 32, 8), (512, 64, 8), (2048, 64, 2)), ((16, 16, 2),))
    out = [race(L, D, heads, causal, isa, threads) for threads in THREADS for isa in (AVX2, 0) for causal in (0, 1)
           for L, D, heads in shapes]
    return out + [race(L, D, heads, 0, 0, threads, "entmax") for threads in THREADS for L, D, heads in shapes[:3]]
