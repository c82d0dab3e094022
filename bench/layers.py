"""layers.py: Hopfield layers, forward and backward, against torch: nn.MultiheadAttention, and the public layer's documented steps
(norms, projections, updates, read-out, output projection) in torch."""
import ctypes
import numpy as np
import blas, data
from harness import THREADS, Case, Peer, Race, pick
from peers import torch


class Layer:
    """hfy_layer_forward and _backward with parameters of its own."""

    def __init__(self, width, heads, head_width, bags, each, queries=0, memories=0, extra=0, raw=0, threads=1):
        self.lib = blas.library(threads, False)
        self.shape = (width, heads, head_width, bags, each, queries, memories, extra, raw)
        self.handle = self.lib.bench_layer_new(width, heads, head_width, queries, memories, extra, raw, bags, each)
        keys, end, at = heads * head_width, 0, {}
        names = [("pooling", (queries, width))] * (queries > 0) + [("lookup", (memories, width))] * (memories > 0)
        names += [("in_proj", (3 * keys, width)), ("in_bias", (3 * keys,)), ("out", (width, keys)), ("out_bias", (width,))]
        for side in () if raw else ("stored", "state", "projected"): names += [(side + "_w", (width,)), (side + "_b", (width,))]
        whole = self.lib.bench_layer_param(self.handle)
        for name, shape in names:
            n = int(np.prod(shape))
            at[name] = np.ctypeslib.as_array(ctypes.cast(whole + 4 * end, ctypes.POINTER(ctypes.c_float)), (n,)).reshape(shape)
            end += n
        self.param = at

    def call(self, x, out, dout=None):
        f, arguments = self.lib.bench_layer_run, (self.handle, data.at(x), None if dout is None else data.at(dout), data.at(out))

        def run(times, self=self):
            if f(times, *arguments): raise RuntimeError(self.lib.bench_layer_message(self.handle).decode())
        return run

    def gradient(self, n):
        at = self.lib.bench_layer_gradient(self.handle, 1)
        return np.ctypeslib.as_array(ctypes.cast(at, ctypes.POINTER(ctypes.c_float)), (n,))


def public(layer, x, leaves):
    """The public layer in torch; leaves: its parameters as tensors."""
    width, heads, n, bags, each, queries, memories, extra, raw = layer.shape
    F = torch.nn.functional

    def norm(y, side): return y if raw else F.layer_norm(y, (width,), leaves[side + "_w"], leaves[side + "_b"])
    state = leaves["pooling"].expand(bags, -1, -1) if queries else x
    stored = leaves["lookup"].expand(bags, -1, -1) if memories else x
    keys = heads * n
    w, b = leaves["in_proj"], leaves["in_bias"]
    q = F.linear(norm(state, "state"), w[:keys], b[:keys])
    k = F.linear(norm(stored, "stored"), w[keys:2 * keys], b[keys:2 * keys])
    v = F.linear(norm(stored, "projected"), w[2 * keys:], b[2 * keys:])
    q, k, v = (a.reshape(bags, -1, heads, n).transpose(1, 2).reshape(bags * heads, -1, n) for a in (q, k, v))
    for _ in range(extra): q = torch.bmm(torch.softmax(torch.bmm(q, k.transpose(1, 2)) * n ** -.5, -1), k)
    o = torch.bmm(torch.softmax(torch.bmm(q, k.transpose(1, 2)) * n ** -.5, -1), v)
    return F.linear(o.reshape(bags, heads, -1, n).transpose(1, 2).reshape(bags, -1, keys), leaves["out"], leaves["out_bias"])


def attention(layer):
    """nn.MultiheadAttention with the layer's parameters."""
    width, heads = layer.shape[:2]
    m = torch.nn.MultiheadAttention(width, heads, batch_first=True)
    for tensor, name in ((m.in_proj_weight, "in_proj"), (m.in_proj_bias, "in_bias"), (m.out_proj.weight, "out"), (m.out_proj.bias, "out_bias")):
        tensor.data.copy_(torch.from_numpy(layer.param[name]))
    return m


def race(name, both, threads, bags=32, each=128, width=256, heads=8, head_width=32, **options):
    """both: forward and backward. mha: against nn.MultiheadAttention, without norms (which takes no
    extra steps: what one costs)."""
    mha = options.pop("mha", False)

    def build():
        if not torch: return None
        layer = Layer(width, heads, head_width, bags, each, raw=int(mha), threads=threads, **options)
        rng = np.random.default_rng(3)
        x = data.aligned((bags, each, width))
        x[:] = rng.standard_normal(x.shape, dtype=np.float32)
        rows = options.get("queries") or each
        out, dout = data.aligned((bags, rows, width)), data.aligned((bags, rows, width))
        dout[:] = rng.standard_normal(dout.shape, dtype=np.float32)
        leaves = {k: torch.from_numpy(v.copy()).requires_grad_(both) for k, v in layer.param.items()}
        tx, td = torch.from_numpy(x.copy()).requires_grad_(both), torch.from_numpy(dout.copy())

        def of(f):
            def forward(r):
                with torch.no_grad(): return f(tx).numpy()

            def back(r):
                tx.grad = None
                for leaf in leaves.values(): leaf.grad = None
                f(tx).backward(td)
                return tx.grad.numpy()
            return back if both else forward
        modules = {"public layer's steps (torch)": of(lambda t: public(layer, t, leaves))}
        if mha:
            m = attention(layer)
            m.train(both)

            def call(t): return m(t, t, t, need_weights=False)[0]

            def mha_back(r):
                tx.grad = None
                m.zero_grad(set_to_none=True)
                call(tx).backward(td)
                return tx.grad.numpy()
            modules = {"nn.MultiheadAttention": mha_back if both else of(call)}
        want = np.array(of(lambda t: public(layer, t, leaves))(0))

        def error(answer): return np.abs(np.asarray(answer).reshape(want.shape) - want).max() / np.abs(want).max()
        return Race(layer.call(x, out, dout if both else None), [Peer(n, f, None if mha and options.get("extra") else error) for n, f in modules.items()],
                    lambda: layer.gradient(x.size) if both else out, error, 2e-5, loop=True, isa=blas.hfy.bench_isa(0).decode(),
                    note="tape %d reals" % layer.lib.bench_layer_tape(layer.handle))
    return Case("layer_%s_%s" % (name, "both" if both else "forward"), "%dx%dx%d, %d heads" % (bags, each, width, heads), threads, build)


def cases():
    out = []
    small = pick({}, {}, {"bags": 2, "each": 8, "width": 32, "heads": 2, "head_width": 16})
    for threads in THREADS:
        for both in (False, True):
            for extra in (0, 1, 3): out.append(race("self%s" % (extra or ""), both, threads, mha=True, extra=extra, **small))
            out.append(race("hopfield", both, threads, **small))
            out.append(race("hopfield3", both, threads, extra=3, **small))
            out.append(race("pooling", both, threads, queries=1, bags=pick(32, 8, 2), each=pick(10000, 2000, 20), width=128, heads=12, head_width=64))
            out.append(race("lookup", both, threads, memories=pick(256, 256, 8), **small))
            out.append(race("lookup1", both, threads, memories=pick(256, 256, 8), **dict(small, each=1)))
    return out
