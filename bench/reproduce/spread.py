"""spread.py KEYS OUT FILE...: the same CSV from several seeds, as one: lines with equal KEYS (comma-separated columns) become one,
every other column of numbers three: the median over the seeds, and NAME_low and NAME_high, the lowest and highest. Columns that
are the same in every file stay one; seeds and times are left out. Written whole or not at all."""
import csv, statistics, sys

keys, out, names = sys.argv[1].split(","), sys.argv[2], sys.argv[3:]
found, columns = {}, []
for name in names:
    with open(name) as f:
        for r in csv.DictReader(f):
            columns = [c for c in r if c not in keys and c not in ("seed", "seconds", "microseconds")]
            found.setdefault(tuple(r[k] for k in keys), []).append(r)


def number(x): return float(x) if x not in ("", None) else None


def cell(x): return "" if x is None else "%.6g" % x


for k, rows in found.items():
    if len(rows) != len(names): sys.exit("%s: %s is in %d of %d files" % (out, k, len(rows), len(names)))
fixed = [c for c in columns if all(len({r[c] for r in rows}) == 1 for rows in found.values())]
lines = [keys + ["seeds"] + [n for c in columns for n in ((c,) if c in fixed else (c, c + "_low", c + "_high"))]]
for k, rows in found.items():
    line = list(k) + [len(rows)]
    for c in columns:
        if c in fixed: line.append(rows[0][c])
        else:
            v = [x for x in (number(r[c]) for r in rows) if x is not None]
            line += [cell(f(v)) if v else "" for f in (statistics.median, min, max)]
    lines.append(line)
with open(out, "w", newline="") as f: csv.writer(f, lineterminator="\n").writerows(lines)
