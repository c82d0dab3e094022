"""growth.py: how time grows with the length of a row, with N, D and B: the curves of two pictures."""
from harness import pick
from retrieval import one_step
from transforms import KINDS, transform


def cases():
    out = []
    for n in pick((64, 256, 1024, 4096, 16384, 65536, 262144, 1000000, 10000000), (64, 1024, 65536, 1000000), (64, 128)):
        rows = max(1, min(256, pick(1 << 20, 1 << 19, 1 << 9) // n))
        for kind in KINDS:
            bisection = kind not in ("softmax", "sparsemax", "entmax15")
            if n > 1000000 and kind == "normmax5": continue
            out.append(transform(kind, n, "flat", rows=rows, most=0 if bisection and n > 65536 else 1, grows=True))
    seps = pick(("softmax", "sparsemax", "entmax"), ("softmax", "sparsemax"), ("softmax", "sparsemax"))
    middle = pick(10000, 10000, 100)
    for N in pick((100, 300, 1000, 3000, 10000, 30000, 100000, 300000, 1000000), (1000, 30000, 300000), (100, 300)):
        for sep in seps: out.append(one_step("random", N, 1, sep, 1, 64, grows=True))
    for D in pick((16, 32, 64, 128, 256, 512, 784, 1024, 2048, 4096), (32, 256, 2048), (16,)):
        for sep in seps: out.append(one_step("random", middle, 16, sep, 1, D, grows=True))
    for B in pick((1, 2, 4, 8, 16, 32, 64, 128, 256, 512), (1, 16, 256), (2,)):
        for sep in seps: out.append(one_step("random", middle, B, sep, 1, 256, grows=True))
    for c in out: c.name = "growth_" + c.name
    return out
