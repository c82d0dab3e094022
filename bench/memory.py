"""memory.py: what a process costs: scratch and resident memory of a retrieval, starting up. Each measured in processes of
their own. Bytes stand in the columns of seconds where the unit says so."""
import os, subprocess, sys
import blas, harness
from harness import BUILD, CORES, Case, Peer, Race, pick

ONCE = [os.path.abspath(os.path.join(BUILD, "once")), os.path.abspath(os.path.join(BUILD, "once_omp"))]
RSS = '''
import sys
def hwm():
    return [int(l.split()[1]) * 1024 for l in open("/proc/self/status") if l.startswith("VmHWM")][0]
'''
NUMPY = RSS + '''
import numpy as np
X = np.ones((1000, 784), np.float32); q = X[0]; s = .1 * (X @ q); p = np.exp(s - s.max()); p /= p.sum(); y = p @ X
print(X.nbytes, hwm())'''
TORCH = RSS + '''
import torch
X = torch.ones(1000, 784); q = X[0]; y = torch.softmax(.1 * (X @ q), 0) @ X
print(X.numpy().nbytes, hwm())'''
FAISS = RSS + '''
import numpy as np, faiss
X = np.ones((1000, 784), np.float32); i = faiss.IndexFlatIP(784); i.add(X); i.search(X[:1], 1)
print(X.nbytes, hwm())'''
STEP = RSS + '''
import os, torch
sys.path.insert(0, os.getcwd())
import peers
N, B, sep = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(int(sys.argv[4]))
f = {"softmax": peers.torch_softmax, "sparsemax": peers.torch_sparsemax, "entmax15": peers.torch_entmax15,
     "normmax5": lambda z: peers.torch_normmax_bisect(z, 5), "ksubsets4": lambda z: peers.torch_ksubsets_bisect(z, 4)}[sep]
with torch.no_grad():
    X, Q = torch.rand(N, 784).mul_(2).sub_(1), torch.rand(B, 784); before = hwm()
    y = f(.1 * (Q @ X.T)) @ X
print(before, hwm())'''
PROCESSES = (("numpy process", NUMPY), ("torch process", TORCH), ("FAISS process", FAISS))


def spawn(arguments):
    """Runs a program to its end with its output thrown away."""
    null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(arguments[0], arguments, dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"), file_actions=null)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]): raise RuntimeError(" ".join(arguments[:2]) + " failed")


def numbers(arguments, threads=1):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment)
    return [float(x) for x in done.stdout.split()] if done.returncode == 0 else None


def start():
    """Start, one retrieval (1000 x 784, one query, softmax), end."""
    def build():
        theirs = []
        for name, program in PROCESSES:
            arguments = [sys.executable, "-c", program]
            if numbers(arguments): theirs.append(Peer(name, lambda r, a=arguments: spawn(a)))
        theirs.append(Peer("/bin/true", lambda r: spawn(["/bin/true"])))
        return Race(lambda r: spawn(ONCE[:1]), theirs, once=True, isa=blas.hfy.bench_isa(0).decode())
    return Case("process_start", "1000x784x1", 1, build, "start, one query, end")


class Memory:
    """A case of bytes; the book's columns, no rounds."""

    def __init__(self, name, shape, threads, lines): self.name, self.shape, self.threads, self.lines = name, shape, threads, lines

    def run(self, book):
        for cells in self.lines():
            book.line(case=self.name, shape=self.shape, threads=self.threads, isa=blas.hfy.bench_isa(0).decode(), unit="bytes", **cells)


def resident():
    """Resident memory beyond the keys."""
    def lines():
        keys, _, _, _, after = numbers(ONCE[:1])
        mine = after - keys
        yield dict(hfy=mine)
        for name, program in PROCESSES:
            found = numbers([sys.executable, "-c", program])
            if found: yield dict(hfy=mine, theirs=found[1] - found[0], ratio=mine / (found[1] - found[0]), peer=name)
    return Memory("resident_beyond_keys", "1000x784x1", 1, lines)


def scratch(N, B, sep, threads):
    """Scratch that a retrieval asks for; by how much the resident memory grows in it, here and in torch."""
    def lines():
        found = numbers([ONCE[threads > 1], str(N), "784", str(B), sep], threads)
        if not found: raise RuntimeError("once %d 784 %d %s failed" % (N, B, sep))
        grown = found[4] - found[3]
        yield dict(hfy=found[2], note="resident +%.1f MB; a score matrix is %.1f MB" % (grown * 1e-6, 4e-6 * N * B))
        if sep == "argmax" or threads > 1: return
        theirs, page = numbers([sys.executable, "-c", STEP, str(N), str(B), sep, str(threads)], threads), 4096.0
        if theirs:
            mine, other = max(grown, page), max(theirs[1] - theirs[0], page)
            yield dict(hfy=mine, theirs=other, ratio=mine / other, peer="torch rows, growth", note="resident memory on both sides")
    return Memory("scratch_" + sep, "%dx784x%d" % (N, B), threads, lines)


def cases():
    out = [start(), resident()]
    for N in pick((10000, 60000), (60000,), (1000,)):
        for B in pick((1, 64, 256), (1, 64), (8,)):
            for sep in pick(("softmax", "sparsemax", "entmax15", "normmax5", "ksubsets4", "argmax"), ("softmax", "sparsemax"), ("sparsemax",)):
                if sep in ("normmax5", "ksubsets4") and B > 64: continue
                for threads in (1, 2) if CORES > 1 else (1,): out.append(scratch(N, B, sep, threads))
    return out
