"""harness.py: interleaved pairs, their statistics, and one line a case.

A case races one hfy.h call against one or more peers in one process: after checking the answers, rounds of
hfy, peer 1, peer 2, ..., hfy, peer 1, ... Each sample repeats its call for about SECONDS. The ratio of a round is hfy / peer of
that round; a line gives the median of these, their quartiles, and the ratio of the two best samples.
Runs without numpy; what needs it imports it itself.
"""
import csv, ctypes, gc, os, re, shutil, statistics, subprocess, sys, time

MODE = os.environ.get("BENCH_MODE", "full")  # full, quick or smoke
ROUNDS = int(os.environ.get("BENCH_ROUNDS", {"full": 11, "quick": 7, "smoke": 2}[MODE]))
SECONDS = float(os.environ.get("BENCH_SECONDS", {"full": 0.06, "quick": 0.03, "smoke": 0.002}[MODE]))
LONG = 20.0  # seconds of rounds after which a case stops at 7
REST = 0.03  # pause before a sample on several threads: the workers of the call before may still spin
SETTLE = 0.0 if MODE == "smoke" else 0.1  # and calls before it that are not timed
BUILD = os.environ.get("BENCH_BUILD", "build")
FULL, SMOKE = MODE == "full", MODE == "smoke"
CORES = os.cpu_count() or 1
THREADS = (1, 2) if CORES > 1 else (1,)

# A full run of a group becomes RESULTS/GROUP.csv once it has ended; anything less stays in the build directory.
WHOLE = FULL and not os.environ.get("BENCH_ONLY")
RESULTS = os.environ.get("BENCH_RESULTS", BUILD) if WHOLE else os.path.join(BUILD, "results")
COLUMNS = ("task case shape threads peer unit hfy theirs ratio p25 p75 best_ratio rounds isa hfy_best peer_best gflops gbytes "
           "of_roof error peer_error note").split()


def pick(full, quick, smoke):
    """One of three values, by mode."""
    return {"full": full, "quick": quick, "smoke": smoke}[MODE]


class Peer:
    """name; fn(round) -> answer; error(answer) -> float, None = not comparable; seconds: a figure noted elsewhere, nothing runs."""

    def __init__(self, name, fn, error=None, seconds=None, loop=False):
        self.name, self.fn, self.error, self.seconds, self.loop = name, fn, error, seconds, loop


class Race:
    """hfy(round); answer() -> what to check after hfy(0); error(answer) <= tolerance; loop: fn(times) repeats by itself;
    once: one call a sample, nothing warm (the rounds differ, or the peer's pass is what empties the caches)."""

    def __init__(self, hfy, peers, answer=None, error=None, tolerance=None, loop=False, once=False, flops=0, bytes=0,
                 isa="", note="", rounds=None):
        self.hfy, self.peers, self.answer, self.error, self.tolerance = hfy, peers, answer, error, tolerance
        self.loop, self.once, self.flops, self.bytes, self.isa, self.note, self.rounds = loop, once, flops, bytes, isa, note, rounds


class Case:
    """build() -> Race or None (nothing to race with here); called just before it runs. task: what a reader calls it; cases of
    one task and peer make one line of the picture. None: in no picture of that kind."""

    def __init__(self, name, shape, threads, build, task=None):
        self.name, self.shape, self.threads, self.build, self.task = name, shape, threads, build, task


wrong = []   # cases whose answer was off
_roof = {}   # (threads) -> (GFLOP/s, GB/s)
_began = time.time()


def set_threads(n):
    """Every library that is loaded."""
    import blas
    blas.set_threads(n)
    torch = sys.modules.get("torch")
    if torch: torch.set_num_threads(n)
    faiss = sys.modules.get("faiss")
    if faiss: faiss.omp_set_num_threads(n)


def _time(fn, times, r, loop):
    clock = time.perf_counter
    if loop:
        began = clock()
        fn(times)
        return (clock() - began) / times
    began = clock()
    for _ in range(times): fn(r)
    return (clock() - began) / times


def _repeats(fn, race, loop):
    """How many calls make a sample."""
    if race.once: return 1
    times, spent = 1, _time(fn, 1, 0, loop)
    while spent * times < 0.7 * SECONDS:
        more = int(SECONDS / max(spent, 1e-9)) + 1
        times = min(more, times * 20)
        spent = _time(fn, times, 0, loop)
        if times >= more: break
    return times


def _elsewhere(threads, ours):
    """A little work for the threads that a sample will use, with no look at its data."""
    import blas, numpy
    square = numpy.ones((192, 192), numpy.float32)
    return lambda: blas.probe.probe_flops(20000, 16, threads) if ours else square @ square


def _sample(fn, race, times, r, loop, threads, ours=False):
    if threads > 1: time.sleep(REST)
    if not race.once and times > 2: _time(fn, 1, r, loop)  # caches and clocks back to this call's own
    if threads > 1:  # and the threads apart: the kernel may wake both on one processor
        work = _elsewhere(threads, ours) if race.once else lambda: _time(fn, 1, r, loop)
        began = time.perf_counter()
        while time.perf_counter() - began < SETTLE: work()
    return _time(fn, times, r, loop)


def number(x, digits=3):
    return "" if x is None or x == "" else ("%.*g" % (digits, x) if isinstance(x, float) else str(x))


def human(seconds):
    if seconds is None: return "-"
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale: return "%.3g %s" % (seconds / scale, unit)
    return "%.3g ns" % (seconds / 1e-9)


def machine():
    """Processor, processors, memory and system, in one line."""
    with open("/proc/cpuinfo") as f: cpu = dict(re.findall(r"(?m)^(.*?)\s*: (.*)$", f.read()))
    with open("/proc/meminfo") as f: memory = int(f.readline().split()[1])
    with open("/etc/os-release") as f: system = re.search('(?m)^PRETTY_NAME="?([^"\n]*)', f.read())[1]
    return "%s, family %s, model %s, %d processors, %d GiB, %s" % (
        cpu.get("model name", "?"), cpu.get("cpu family", "?"), cpu.get("model", "?"), CORES, memory / 2 ** 20 + .5, system)


def environment():
    """The compiler, and one line a library."""
    import blas
    compiler = subprocess.run([os.environ.get("CC", "cc"), "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    loaded = [(n, sys.modules[n].__version__) for n in ("numpy", "torch", "faiss") if sys.modules.get(n)]
    return ["compiler: " + compiler] + blas.describe() + ["%s: %s" % pair for pair in loaded]


class Book:
    """Where a group's lines go: the screen, build/GROUP.csv, and at the end RESULTS/GROUP.csv with GROUP.txt, which says how
    they were made."""

    def __init__(self, group, total, columns=COLUMNS):
        self.group, self.total, self.done, self.columns = group, total, 0, columns
        self.path = os.path.join(BUILD, group + ".csv")
        self.file = open(self.path, "w", newline="")
        self.out = csv.writer(self.file, lineterminator="\n")
        self.out.writerow(columns)

    def head(self):
        print("%-38s %-16s %1s %10s %10s %7s %7s %13s  %-24s %s" % (
            "case", "shape", "t", "hfy", "peer", "ratio", "best", "p25-p75", "peer", "note"), flush=True)

    def progress(self, case):
        self.done += 1
        if sys.stderr.isatty():
            print("\r[%s %d/%d, %.0f s] %s %s, %d threads ...\033[K\r" % (
                self.group, self.done, self.total, time.time() - _began, case.name, case.shape, case.threads),
                end="", file=sys.stderr, flush=True)

    def line(self, **cells):
        cells.setdefault("unit", "s")
        self.out.writerow([number(cells.get(c), 6) for c in self.columns])
        self.file.flush()
        show = human if cells["unit"] == "s" else lambda b: "-" if b is None else "%.3g MB" % (b * 1e-6)
        text = "%-38s %-16s %1d %10s %10s %7s %7s %13s  %-24s" % (
            cells["case"], cells["shape"], cells["threads"], show(cells["hfy"]), show(cells.get("theirs")),
            number(cells.get("ratio")), number(cells.get("best_ratio")),
            "%s-%s" % (number(cells.get("p25"), 2), number(cells.get("p75"), 2)) if cells.get("p25") else "", cells.get("peer", ""))
        if cells.get("note"): text += "  " + cells["note"]
        clear = "\r\033[K" if sys.stderr.isatty() and sys.stdout.isatty() else ""
        print("%s%s  [%d/%d]" % (clear, text, self.done, self.total), flush=True)

    def close(self):
        self.file.close()
        os.makedirs(RESULTS, exist_ok=True)
        shutil.copy(self.path, os.path.join(RESULTS, self.group + ".csv"))
        with open(os.path.join(RESULTS, self.group + ".txt"), "w") as f:
            settings = "".join("%s=%s " % (n, os.environ[n]) for n in ("BENCH_ROUNDS", "BENCH_SECONDS", "BENCH_ONLY") if os.environ.get(n))
            f.write("command: %smake -C bench %s%s%s\n" % (settings, self.group.split("_")[0], " MNIST=DIR" if os.environ.get("MNIST") else "",
                                                          "" if FULL else ", %s mode" % MODE))
            f.write("date: %s\nmachine: %s\n" % (time.strftime("%Y-%m-%d"), machine()))
            for line in environment(): f.write(line + "\n")
            for threads, (flops, read) in sorted(_roof.items()):
                f.write("roof, threads %d: %.0f GFLOP/s, %.1f GB/s\n" % (threads, flops, read))


def roof(threads):
    """The machine's rates right now: GFLOP/s of multiply-adds, GB/s of reading; the best of a few bursts."""
    if threads in _roof: return _roof[threads]
    import blas
    probe, isa = blas.probe, blas.hfy.bench_isa(0)
    width = {b"avx512": 64, b"avx2": 32}.get(isa, 16)
    size = pick(128 << 20, 128 << 20, 4 << 20)
    block = ctypes.create_string_buffer(size)
    ctypes.memset(block, 1, size)  # now its pages exist
    flops = bytes_ = 0.0
    for _ in range(pick(12, 6, 2)):
        began = time.perf_counter()
        made = probe.probe_flops(pick(2000000, 1000000, 10000), width, threads)
        flops = max(flops, made / (time.perf_counter() - began))
        began = time.perf_counter()
        probe.probe_read(block, size // 4, width, threads)
        bytes_ = max(bytes_, size / (time.perf_counter() - began))
    _roof[threads] = flops * 1e-9, bytes_ * 1e-9
    print("# roof, %d thread%s, best of a few bursts: %.0f GFLOP/s of float multiply-adds (%s), %.1f GB/s read" % (
        threads, "" if threads == 1 else "s", _roof[threads][0], isa.decode(), _roof[threads][1]), flush=True)
    return _roof[threads]


def run_case(case, book):
    book.progress(case)
    if hasattr(case, "run"): return case.run(book)  # not a race
    set_threads(case.threads)
    race = case.build()
    if race is None:
        print("%-38s %-16s %d left out: no peer for it here" % (case.name, case.shape, case.threads), flush=True)
        return
    peak_flops, peak_bytes = roof(case.threads) if race.flops or race.bytes else (0, 0)
    error, note = None, race.note
    if race.error:
        answer = race.hfy(1 if race.loop else 0)
        error = float(race.error(race.answer() if race.answer else answer))
        if not error <= race.tolerance:
            wrong.append((case.name, case.shape, case.threads, error, race.tolerance))
            note = ("WRONG: error above %.0e " % race.tolerance) + note
    errors = []
    for p in race.peers:
        errors.append(None)
        if p.seconds is not None: continue
        answer = p.fn(1 if p.loop else 0)
        if p.error: errors[-1] = float(p.error(answer))
    live = [p for p in race.peers if p.seconds is None]
    hfy_times = _repeats(race.hfy, race, race.loop)
    times = {p: _repeats(p.fn, race, p.loop) for p in live}
    mine, theirs = [], {p: [] for p in live}
    rounds, began = race.rounds or ROUNDS, time.perf_counter()
    gc.disable()
    for r in range(rounds):
        mine.append(_sample(race.hfy, race, hfy_times, r, race.loop, case.threads, True))
        for p in live: theirs[p].append(_sample(p.fn, race, times[p], r, p.loop, case.threads, p.name.startswith("hfy")))
        if r >= min(6, rounds - 1) and time.perf_counter() - began > LONG: break
    gc.enable()
    hfy_seconds, hfy_best = statistics.median(mine), min(mine)
    gflops, gbytes = race.flops / hfy_best * 1e-9, race.bytes / hfy_best * 1e-9
    of_roof = max(gflops / peak_flops, gbytes / peak_bytes) if peak_flops else None
    for p, peer_error in zip(race.peers, errors):
        samples = [p.seconds] * len(mine) if p.seconds is not None else theirs[p]
        ratios = sorted(a / b for a, b in zip(mine, samples))
        quartiles = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else (ratios[0],) * 3
        ratio = statistics.median(ratios)
        book.line(task=case.task, case=case.name, shape=case.shape, threads=case.threads, hfy=hfy_seconds,
                  theirs=statistics.median(samples), ratio=ratio, peer=p.name, isa=race.isa,
                  best_ratio=hfy_best / min(samples), p25=quartiles[0], p75=quartiles[2], hfy_best=hfy_best,
                  peer_best=min(samples), rounds=len(mine), gflops=gflops or None, gbytes=gbytes or None, of_roof=of_roof,
                  error=error, peer_error=peer_error, note=note)
    if not race.peers:
        book.line(task=case.task, case=case.name, shape=case.shape, threads=case.threads, hfy=hfy_seconds, isa=race.isa, hfy_best=hfy_best,
                  rounds=len(mine), gflops=gflops or None, gbytes=gbytes or None, of_roof=of_roof, error=error, note=note)


def run_group(name, cases, columns=COLUMNS):
    """Runs a list of cases; exit status 1 if an answer was wrong."""
    only = os.environ.get("BENCH_ONLY")
    cases = [c for c in cases if not only or only in "%s %s %d" % (c.name, c.shape, c.threads)]
    book = Book(name, len(cases), columns)
    print("# %s: %d cases, %d rounds" % (name, len(cases), ROUNDS), flush=True)
    book.head()
    for c in cases: run_case(c, book)
    book.close()
    for case, shape, threads, error, tolerance in wrong:
        print("WRONG: %s %s, %d threads: error %.2e, tolerance %.0e" % (case, shape, threads, error, tolerance))
    print("# %s: done in %.0f s" % (name, time.time() - _began), flush=True)
    return 1 if wrong else 0
