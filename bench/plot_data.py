"""plot_data.py RESULTS BUILD: RESULTS/*.csv to RESULTS/speed.csv (one line a task and peer) and BUILD/plot/*.dat for plots.gp."""
import csv, os, re, statistics, sys

RESULTS, OUT = sys.argv[1], os.path.join(sys.argv[2], "plot")
os.makedirs(OUT, exist_ok=True)
for name in os.listdir(OUT): os.remove(os.path.join(OUT, name))
GROUPS = "retrieval memory transforms structured gemm gemm_haswell klr spectra growth".split()
curves, speed = {}, {}


def read(group):
    path = os.path.join(RESULTS, group + ".csv")
    if not os.path.exists(path): return []
    with open(path) as f: return list(csv.DictReader(f))


def add(curve, x, y): curves.setdefault(curve, {})[x] = y


def slug(text): return re.sub(r"[^a-z0-9.]+", "_", text.lower()).strip("_")


def known(peer):
    """A peer's name on an axis: who it is, and what it does if that is not the same call."""
    for pattern, name in ((r"torch rows, sort, 5 steps|torch rows, sort|sort \(torch\)", "PyTorch, sort"), (r"torch columns, sort", "PyTorch, sort, columns"),
                          (r"torch rows, top 100|top 100 \(torch\)", "PyTorch, top 100"), (r"bisection.*", "PyTorch, bisection"),
                          (r"torch process", "PyTorch"), (r"torch.*", "PyTorch"), (r"numpy, (state.*|two.*)", r"NumPy, \1"), (r"numpy.*", "NumPy"), (r"sorted corners.*", "NumPy, sorted corners"),
                          (r"FAISS IndexFlatIP", "FAISS, best only"), (r"FAISS process", "FAISS"), (r"two sgem[vm], softmax.*", "OpenBLAS, all keys"), (r"LAPACK.*", "LAPACK"),
                          (r"(.*) \(recorded\)", r"\1, recorded"), (r"hfy.h, single.*", "hfy.h, step by step"), (r"hfy.h, full scan", "hfy.h, all keys")):
        if re.fullmatch(pattern, peer): return re.sub("^" + pattern + "$", name, peer).replace("HFYN numpy", "HFYN").replace("100 inner iterations", "100 its")
    return peer


for group in GROUPS:
    for r in read(group):
        mine, theirs = float(r["hfy"]), float(r["theirs"] or 0)
        size = [int(s) for s in r["shape"].split("x")] if re.fullmatch(r"\d+(x\d+)*", r["shape"]) else []
        if r["task"] and r["ratio"] and r["peer"] != "/bin/true": speed.setdefault((group, r["task"], known(r["peer"])), []).append(r)
        if r["unit"] != "s": continue
        rate = re.fullmatch(r"retrieve_(softmax|sparsemax)", r["case"])
        if rate and r["of_roof"]:  # against the measured roof
            what, of = ("gbytes", "read") if size[2] == 1 else ("gflops", "flops%d" % size[2])
            if size[1] == 784:
                add("roof_%s_%s_%s" % (of, rate[1], r["threads"]), size[0], float(r[what]))
                add("roof_%s_%s" % (of, r["threads"]), size[0], float(r[what]) / float(r["of_roof"]))
        flat = re.fullmatch(r"growth_(\w[\w.]*)_flat", r["case"])
        step = re.fullmatch(r"growth_retrieve_(\w+)", r["case"])
        if flat:
            add("sep_%s_hfy" % flat[1], size[1], mine / size[0] / size[1] * 1e9)
            if theirs: add("sep_%s_peer" % flat[1], size[1], theirs / size[0] / size[1] * 1e9)
        elif step:
            N, D, B = size
            for axis, x, here in (("N", N, D == 64 and B == 1), ("D", D, N == 10000 and B == 16), ("B", B, N == 10000 and D == 256)):
                if not here: continue
                add("grow%s_%s_hfy" % (axis, step[1]), x, mine * 1e6)
                if theirs: add("grow%s_%s_peer" % (axis, step[1]), x, theirs * 1e6)
        elif r["case"] in ("sgemm", "dgemm") and size[0] == size[1] == size[2]:
            work = 2e-9 * size[0] ** 3
            add("%s_%s_hfy" % (r["case"], r["threads"]), size[0], work / mine)
            if theirs: add("%s_%s_%s" % (r["case"], r["threads"], slug(r["peer"])), size[0], work / theirs)
for curve, points in curves.items():
    with open(os.path.join(OUT, curve + ".dat"), "w") as f:
        for x in sorted(points): f.write("%g %g\n" % (x, points[x]))

# speed: the median of a task's cases, and from the lowest to the highest quartile of its rounds
lines = []
for (group, task, peer), rows in speed.items():
    low, high = (f(float(r[q] or r["ratio"]) for r in rows) for f, q in ((min, "p25"), (max, "p75")))
    lines.append((group.split("_")[0], task, peer, len(rows), "%.3g" % statistics.median(float(r["ratio"]) for r in rows), "%g" % low, "%g" % high))
if lines:
    with open(os.path.join(RESULTS, "speed.csv"), "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow("group task peer cases ratio low high".split())
        out.writerows(lines)
for panel, groups in enumerate((("retrieval", "memory", "klr", "spectra"), ("transforms", "structured", "gemm"))):
    at = 0  # forced AVX2 and hfy.h against itself are in the CSV only
    with open(os.path.join(OUT, "speed_%d.dat" % panel), "w") as f:
        for group in groups:
            for l in sorted((l for l in lines if l[0] == group and "AVX2" not in l[1] and not l[2].startswith("hfy.h, ")), key=lambda l: (l[1], float(l[4]))):
                at += 1
                f.write('%d %s %s %s "%s  / %s"\n' % (-at, l[4], l[5], l[6], l[1], l[2]))
            at += 1  # a gap between groups

# memory, MB: whole processes beyond their keys; what one step of one thread adds, and the score matrix that it does not make
pairs = [r for r in read("memory") if r["unit"] == "bytes" and r["peer"] and r["threads"] == "1"]
with open(os.path.join(OUT, "mem_process.dat"), "w") as f:
    seen = [r for r in pairs if r["case"] == "resident_beyond_keys"]
    bars = [("hfy.h", seen[0]["hfy"])] + [(known(r["peer"]), r["theirs"]) for r in seen] if seen else []
    for i, (who, b) in enumerate(bars): f.write('%d %g "%s, %.3g"\n' % (-i, float(b) * 1e-6, who, float(b) * 1e-6))
with open(os.path.join(OUT, "mem_step.dat"), "w") as f:
    for i, r in enumerate(r for r in pairs if r["case"].startswith("scratch_")):
        N, D, B = (int(s) for s in r["shape"].split("x"))
        f.write('%d %g %g %g "%s, %s patterns, %d %s"\n' % (-i, float(r["hfy"]) * 1e-6, float(r["theirs"]) * 1e-6, 4e-6 * N * B, r["case"][8:],
                format(N, ","), B, "query" if B == 1 else "queries"))

# accuracy: who, size, median, low, high
accuracy = {}
for r in read("accuracy"): accuracy.setdefault("%s_%s_%s" % (slug(r["panel"]), slug(r["case"]), "hfy" if r["who"] == "hfy.h" else "peer" if r["panel"] != "products" else slug(r["who"])), []).append(r)
for name, rows in accuracy.items():
    with open(os.path.join(OUT, "acc_%s.dat" % name), "w") as f:
        for r in rows: f.write("%s %s %s %s\n" % (r["size"], r["median"], r["low"], r["high"]))

with open(os.path.join(OUT, "all.gp"), "w") as f:
    for part in ("sep", "growN", "growD", "growB", "gemm", "roof"):
        f.write("have_%s = %d\n" % (part, any(c.startswith(part) or part in c for c in curves)))
    f.write("have_speed = %d\nhave_acc = %d\nhave_mem = %d\n" % (bool(lines), bool(accuracy), bool(pairs)))
