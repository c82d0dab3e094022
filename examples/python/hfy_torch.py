"""hfy.h in PyTorch, on the CPU: retrieve() with gradients by queries, keys, values, readout, bias, beta, alpha, gamma,
and Retrieval, an nn.Module around it. float32 or float64; tensors are not copied where they are contiguous.

    from hfy_torch import Retrieval
    memory = Retrieval(keys, separation="sparsemax", beta=8)
    whole = memory(broken)
"""
import torch
from torch.autograd.function import once_differentiable

import hfy

_NAMES = ("queries", "keys", "values", "readout", "bias", "beta", "alpha", "gamma")


def _array(name, tensor):
    if tensor is None:
        return None
    if tensor.device.type != "cpu" or tensor.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{name} is {tensor.dtype} on {tensor.device}; it should be float32 or float64 on the CPU")
    return tensor.detach().contiguous().numpy()


class _Retrieve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, options, *tensors):
        arrays = {name: _array(name, t) for name, t in zip(_NAMES, tensors)}
        options = dict(options)
        ctx.implicit = options.pop("implicit", False)
        separation = hfy.Separation.of(options.pop("separation"))
        numbers = {name: float(arrays[name]) for name in ("alpha", "gamma") if arrays[name] is not None}
        separation = hfy.Separation(separation.kind, **{**separation.members, **numbers})
        given = {name: arrays[name] for name in ("values", "readout") if arrays[name] is not None}
        if arrays["beta"] is not None:
            given["beta"] = float(arrays["beta"])
        ctx.memory = hfy.Memory(arrays["keys"], separation, **given, **options)
        ctx.rows, ctx.bias = arrays["queries"].reshape(-1, ctx.memory.dim), arrays["bias"]
        if ctx.rows.dtype != ctx.memory.dtype:
            raise TypeError(f"queries are {ctx.rows.dtype}, keys {ctx.memory.dtype}")
        ctx.save_for_backward(*tensors)  # so that changes in place before backward() are noticed
        out = ctx.memory.recall(ctx.rows, bias=ctx.bias)
        return torch.from_numpy(out.reshape(tensors[0].shape[:-1] + out.shape[1:]))

    @staticmethod
    @once_differentiable
    def backward(ctx, dout):
        tensors = ctx.saved_tensors
        wrt = [name for name, needed in zip(_NAMES, ctx.needs_input_grad[1:]) if needed]
        rows = _array("the gradient", dout).reshape(len(ctx.rows), -1)
        found = ctx.memory.vjp(ctx.rows, rows, wrt=wrt, implicit=ctx.implicit, bias=ctx.bias)
        return (None, *(torch.as_tensor(found[name], dtype=t.dtype).reshape(t.shape) if name in wrt else None
                        for name, t in zip(_NAMES, tensors)))


def retrieve(queries, keys, values=None, readout=None, *, bias=None, beta=None, alpha=None, gamma=None,
             separation="softmax", **options):
    """hfy.Memory(keys, ...).recall(queries) with gradients. queries: ... x D; keys: N x D, or batch x N x D with
    queries of batch x ... x D (values, readout likewise). beta, alpha, gamma: numbers or tensors of one. options:
    similarity, post, step, steps, tol, null_score; implicit=True: gradients through the fixed point."""
    if keys.dim() == 3:
        parts = [[None] * len(keys) if t is None else t for t in (values, readout)]
        return torch.stack([retrieve(q, k, v, r, bias=bias, beta=beta, alpha=alpha, gamma=gamma, separation=separation,
                                     **options) for q, k, v, r in zip(queries, keys, *parts)])
    numbers = [None if n is None else torch.as_tensor(n, dtype=torch.float64 if not torch.is_tensor(n) else n.dtype)
               for n in (beta, alpha, gamma)]
    return _Retrieve.apply({"separation": separation, **options}, queries, keys, values, readout, bias, *numbers)


class Retrieval(torch.nn.Module):
    """A memory as a module. keys (N x D) and, if given, values and readout are its parameters (requires_grad_(False)
    keeps one as it is). learn_beta: log_beta is one too. options: as retrieve()."""

    def __init__(self, keys, values=None, readout=None, *, beta=None, learn_beta=False, **options):
        super().__init__()
        self.keys = torch.nn.Parameter(keys)
        for name, given in (("values", values), ("readout", readout)):
            self.register_parameter(name, None if given is None else torch.nn.Parameter(given))
        self.options = options
        if beta is None and learn_beta:
            plain = {name: options[name] for name in ("separation", "similarity") if name in options}
            beta = hfy.Memory(keys.detach().numpy(), **plain).beta
        self.beta = beta
        log = torch.nn.Parameter(torch.tensor(float(beta), dtype=keys.dtype).log()) if learn_beta else None
        self.register_parameter("log_beta", log)

    def forward(self, queries, bias=None):
        beta = self.beta if self.log_beta is None else self.log_beta.exp()
        return retrieve(queries, self.keys, self.values, self.readout, bias=bias, beta=beta, **self.options)

    def extra_repr(self):
        return f"{tuple(self.keys.shape)}, beta={self.beta}, {self.options}"
