"""run.py [--quick|--smoke] GROUP...: runs the groups one after another, each in a process of its own."""
import importlib, os, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
NEEDS = {"gemm": ("numpy",), "retrieval": ("numpy",), "transforms": ("numpy",), "structured": ("numpy",), "growth": ("numpy",), "spectra": ("numpy",), "klr": ("numpy",), "layers": ("numpy",), "attention": ("numpy",), "accuracy": ("numpy",), "memory": ()}
PACKAGES = {"numpy": "python3-numpy", "torch": "python3-torch", "faiss": "python3-faiss"}
OPENMP = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "2000"}  # see README.md


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
    if not os.environ.get("MNIST"): print("# missing: MNIST=DIR: no cases on real pictures")
    for line in blas.describe(): print("# " + line)


def child(group):
    """One group, in this process."""
    for name, value in OPENMP.items(): os.environ.setdefault(name, value)
    import harness
    name = "gemm_haswell" if group == "gemm" and os.environ.get("OPENBLAS_CORETYPE") == "Haswell" else group
    module = importlib.import_module(group)
    return harness.run_group(name, module.cases(), getattr(module, "COLUMNS", harness.COLUMNS))


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
    print("# %.0f s in all" % (time.time() - began))
    return status != 0


sys.exit(main())
