"""plot_data.py BUILD: turns BUILD/results.csv into BUILD/plot/*.dat, one curve a file, for plots.gp."""
import csv, os, re, sys
import harness

BUILD = sys.argv[1]
OUT = os.path.join(BUILD, "plot")
os.makedirs(OUT, exist_ok=True)
for name in os.listdir(OUT): os.remove(os.path.join(OUT, name))
with open(os.path.join(BUILD, "results.csv")) as f: rows = list(csv.DictReader(f))
curves = {}


def add(curve, x, y): curves.setdefault(curve, {})[x] = y


def slug(text): return re.sub(r"[^a-z0-9.]+", "_", text.lower()).strip("_")


def best(r):
    """Seconds of the best sample on both sides: what the machine allows when nobody disturbs it."""
    return float(r["hfy_best"]), float(r["peer_best"]) if r.get("peer_best") else None


for r in rows:
    memory = re.fullmatch(r"scratch_(\w+)", r["case"])
    if memory and r["peer"].startswith("torch"):  # resident memory of one step, in MB
        N, D, B = (int(s) for s in r["shape"].split("x"))
        if B == 256:
            add("mem_%s_hfy" % memory[1], N, float(r["hfy_seconds"]) * 1e-6)
            add("mem_%s_peer" % memory[1], N, float(r["peer_seconds"]) * 1e-6)
    if r["unit"] != "s": continue
    size = [int(s) for s in r["shape"].split("x")] if re.fullmatch(r"\d+(x\d+)*", r["shape"]) else []
    mine, theirs = best(r)
    rate = re.fullmatch(r"retrieve_(softmax|sparsemax)", r["case"])
    if rate and r["of_roof"]:  # against the measured roof
        N, D, B = size
        what, of = ("gbytes", "read") if B == 1 else ("gflops", "flops%d" % B)
        if D == 784:
            add("roof_%s_%s_%s" % (of, rate[1], r["threads"]), N, float(r[what]))
            add("roof_%s_%s" % (of, r["threads"]), N, float(r[what]) / float(r["of_roof"]))
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
        add("%s_%s_%s" % (r["case"], r["threads"], slug(r["peer"])), size[0], work / theirs)
for curve, points in curves.items():
    with open(os.path.join(OUT, curve + ".dat"), "w") as f:
        for x in sorted(points): f.write("%g %g\n" % (x, points[x]))

# every goal: the ratios of all its cases, from its must downwards
goals = {}
for r in rows:
    if r["row"] and r["ratio"] and "recorded" not in r["peer"]: goals.setdefault(r["row"], []).append(float(r["ratio"]))
with open(os.path.join(OUT, "goals.dat"), "w") as f:
    for i, row in enumerate(k for k in harness.GOALS if k in goals):
        must, goal = harness.GOALS[row]
        for ratio in goals[row]: f.write("%d %s %g %g %g\n" % (i, row, ratio, must, goal))
with open(os.path.join(OUT, "all.gp"), "w") as f:
    for part in ("sep", "growN", "growD", "growB", "gemm", "roof", "mem"):
        f.write("have_%s = %d\n" % (part, any(c.startswith(part) or part in c for c in curves)))
    f.write("have_goals = %d\n" % bool(goals))
