"""report.py BUILD: the goals and what was measured, as Markdown tables on standard output."""
import csv, os, sys
import harness

JOBS = {
    "1": "sgemm, 256-2048 / OpenBLAS", "2": "sgemm, AVX2 / OpenBLAS Haswell", "2b": "sgemm, AVX2 / BLIS", "3": "sgemm / Eigen",
    "4": "sgemm, 64 and below / OpenBLAS", "5": "scores and projection, 64 queries / OpenBLAS", "6": "gemv in DRAM / OpenBLAS",
    "7": "1 query, softmax / numpy", "8": "1 query, sparsemax, 1.5-entmax / torch + sort", "9": "1 query, softmax / FAISS top-1",
    "10": "64, 256 queries, softmax / torch; numpy", "11": "64, 256 queries, sparsemax, 1.5-entmax / torch + sort",
    "12": "the same / queries as columns", "13": "64 queries / torch + top 100", "14": "scratch / 4 MiB + 16 N workers",
    "15": "softmax rows / torch", "15b": "the same, AVX2", "16": "sparsemax rows, small support / sort", "16b": "the same / top 100",
    "17": "1.5-entmax rows, small support / sort", "17b": "the same / top 100", "18": "both, full support / sort",
    "19": "1.3-entmax, normmax 2 and 5, small support / bisection", "20": "the same, full support",
    "23": "k-subsets, 1 row / bisection; lp-sparsemap (recorded)", "24": "k-subsets, 64 rows / bisection",
    "25": "sequential k-subsets / lp-sparsemap, 100 iterations (recorded)", "26": "the same / its defaults (recorded)",
    "27": "constrained sparsemax / HFYN's numpy (recorded)", "28": "kernel memory: the papers' descent / numpy",
    "29": "kernel memory: to the loss of 200 steps / numpy descent", "30": "eigenvalues, n = 200 / numpy", "30b": "n = 500", "30c": "n = 1000",
    "31": "symmetric eigenvalues / numpy", "31b": "svd, pseudo-inverse / numpy",
    "37": "kernel memory: to a residual of 1e-8 / numpy descent", "38": "kernel memory: recall of a batch / numpy", "32": "process start and 1 retrieval / numpy", "32b": "the same / torch",
    "33": "resident memory beyond the keys / 4 MB", "34": "2 threads / 1", "35": "prepared memory, 1 query, MNIST clean, noisy / 2 sgemv + softmax",
    "35r": "the same, half pictures, random", "35a": "the same, AVX2", "35b": "prepared memory, 64 queries / 2 sgemm + softmax",
    "36": "5 steps, 256 queries, sparsemax / torch + sort",
}
BUILD = sys.argv[1] if len(sys.argv) > 1 else "build"
with open(os.path.join(BUILD, "results.csv")) as f: rows = list(csv.DictReader(f))


def span(values):
    low, high = min(values), max(values)
    return "%.2g" % low if low == high else "%.2g - %.2g" % (low, high)


print("| row | job / peer | must | goal | medians | best samples | cases | goal, must, missed |")
print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
for key, (must, goal) in harness.GOALS.items():
    here = [r for r in rows if r["row"] == key]
    if not here: continue
    best = [float(r["best_ratio"]) for r in here if r["best_ratio"]]
    met = [sum(r["met"] == m for r in here) for m in ("goal", "must", "no")]
    print("| %s | %s | %g | %g | %s | %s | %d | %d, %d, %d |" % (
        key, JOBS[key], must, goal, span([float(r["ratio"]) for r in here]), span(best) if best else "", len(here), *met))


def pretty(x, unit): return "" if not x else harness.human(float(x)) if unit == "s" else "%.3g MB" % (float(x) * 1e-6)


groups = {}
for r in rows: groups.setdefault((r["case"], r["shape"], r["threads"]), []).append(r)
print("\n| case | shape | threads | hfy.h | GFLOP/s | GB/s | of the roof | peer: its time, ratio (best; quartiles) | note |")
print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |")
for (case, shape, threads), lines in groups.items():
    r = lines[0]
    peers = "; ".join("%s: %s, **%.2g**%s" % (
        p["peer"], pretty(p["peer_seconds"], p["unit"]), float(p["ratio"]),
        " (%.2g; %.2g-%.2g)" % (float(p["best_ratio"]), float(p["p25"]), float(p["p75"])) if p["best_ratio"] else "") for p in lines if p["peer"])
    print("| %s | %s | %s | %s | %s | %s | %s | %s | %s |" % (
        case, shape, threads, pretty(r["hfy_seconds"], r["unit"]), "%.3g" % float(r["gflops"]) if r["gflops"] else "",
        "%.3g" % float(r["gbytes"]) if r["gbytes"] else "", "%.0f %%" % (100 * float(r["of_roof"])) if r["of_roof"] else "", peers, r["note"]))
