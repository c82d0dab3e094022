"""run.py [--quick|--smoke] GROUP...: runs the groups one after another, each in a process of its own, and gathers their lines."""
import importlib, os, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BENCH_BUILD", "build")
NEEDS = {"gemm": ("numpy",), "retrieval": ("numpy",), "transforms": ("numpy",), "structured": ("numpy",), "growth": ("numpy",), "spectra": ("numpy",), "klr": ("numpy",), "memory": ()}
PACKAGES = {"numpy": "python3-numpy", "torch": "python3-torch", "faiss": "python3-faiss"}
OPENMP = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "2000"}  # see README.md
ORDER = ("gemm", "gemm_haswell", "retrieval", "transforms", "structured", "spectra", "klr", "memory", "growth")


def has(module):
    try: importlib.import_module(module)
    except ImportError: return False
    return True


def missing():
    """Names what is not here, once, before anything runs."""
    import blas
    for module, package in PACKAGES.items():
        if not has(module): print("# missing: %s: cases that need it are left out" % package)
    for library, package in ((blas.openblas, "libopenblas-dev"), (blas.blis, "libblis-dev"), (blas.eigen, "libeigen3-dev and a C++ compiler")):
        if not library: print("# missing: %s: cases that need it are left out" % package)
    if not os.environ.get("MNIST"): print("# missing: MNIST=DIR: no rows on real pictures (rows 35, 36)")
    for line in blas.describe(): print("# " + line)


def child(group):
    """One group, in this process."""
    for name, value in OPENMP.items(): os.environ.setdefault(name, value)
    import harness
    name = "gemm_haswell" if group == "gemm" and os.environ.get("OPENBLAS_CORETYPE") == "Haswell" else group
    return harness.run_group(name, importlib.import_module(group).cases())


def gather():
    lines, header = [], None
    for group in ORDER:
        path = os.path.join(BUILD, group + ".csv")
        if not os.path.exists(path): continue
        with open(path) as f: header, *rest = f.read().splitlines()
        lines += rest
    if not header: return
    path = os.path.join(BUILD, "results.csv")
    with open(path, "w") as f: f.write("\n".join([header] + lines) + "\n")
    import csv
    met, late = {"goal": 0, "must": 0, "no": 0, "WRONG": 0}, []
    with open(path) as f:
        for row in csv.DictReader(f):
            if row["met"]: met[row["met"]] += 1
            if row["met"] == "no" and os.environ.get("BENCH_MODE") != "smoke": late.append(row)
    for r in late:
        print("# row %-3s not met: %s %s, %s threads / %s: %s (best %s; p25-p75 %s-%s), must %s" % (
            r["row"], r["case"], r["shape"], r["threads"], r["peer"], r["ratio"], r["best_ratio"], r["p25"], r["p75"], r["must"]))
    print("# %s: %d lines; goal met %d, must met %d, not met %d, wrong %d" % (path, len(lines), met["goal"], met["must"], met["no"], met["WRONG"]))


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--child"]: return child(arguments[1])
    mode = "quick" if "--quick" in arguments else "smoke" if "--smoke" in arguments else os.environ.get("BENCH_MODE", "full")
    groups = [a for a in arguments if not a.startswith("-")]
    os.environ["BENCH_MODE"] = mode
    environment = dict(os.environ, **OPENMP)
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "BLIS_NUM_THREADS"): environment.pop(name, None)
    os.chdir(HERE)
    print("# bench, %s, %s" % (mode, time.strftime("%Y-%m-%d %H:%M")))
    if os.getloadavg()[0] > 0.5: print("# the machine is busy (load %.1f): expect scatter" % os.getloadavg()[0])
    missing()
    sys.stdout.flush()
    status, began = 0, time.time()
    for i, group in enumerate(groups):
        lack = [m for m in NEEDS[group] if not has(m)]
        if lack:
            print("# %s: left out, needs %s" % (group, ", ".join(PACKAGES[m] for m in lack)))
            continue
        print("\n# group %d of %d: %s (%.0f s so far)" % (i + 1, len(groups), group, time.time() - began), flush=True)
        status |= subprocess.call([sys.executable, "run.py", "--child", group], env=environment)
        if group == "gemm":
            status |= subprocess.call([sys.executable, "run.py", "--child", group], env=dict(environment, OPENBLAS_CORETYPE="Haswell"))
    print()
    gather()
    print("# %.0f s in all" % (time.time() - began))
    return status != 0


sys.exit(main())
