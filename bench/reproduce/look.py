"""Looks at pictures of curves as a reader does: every colour of a legend has to be seen in the plot area.

    look.py [--prove] [PICTURE ...]      SVG (needs rsvg-convert) and PNG; none: every picture of ../../docs

A plot area is what a dark frame encloses (or its left and lower side); a legend is what lies outside of the frames, and
words inside of one with what stands left and right of them. Found at fault, with the picture's name:
  - a colour of the legend that is not in the plot area, or hardly;
  - a curve (the legend shows a line) that is seen in less than half of the columns between its ends: points without
    their line, or a curve under another;
  - a legend that lies on data;
  - two colours or more and no legend (a colour bar counts as one).
--prove draws pictures with each of these faults (needs gnuplot) and fails if one is not found.
Debian: python3-numpy python3-scipy python3-pil librsvg2-bin gnuplot-nox. Exit status 1 if anything is at fault."""
import glob
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
from scipy import ndimage

HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(HERE, '..', '..', 'docs')
PHOTOGRAPHS = ('recall.png', 'recall_broken.png', 'hfy_recall_free.png', 'hfy_recall_sequence.png',
               'bench_speed.svg', 'bench_memory.svg', 'rate_fig2.png', 'rate_fig3.png',
               'rate_fig7.png')  # no curves: photographs, points beside words, a map, clouds of points


def render(path):
    """Pixels and how many of them make one of the picture's units."""
    if path.endswith('.png'):
        return np.asarray(Image.open(path).convert('RGB')).astype(int), 1
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'picture.png')
        subprocess.run(['rsvg-convert', '--zoom', '2', '-b', 'white', '-o', out, path], check=True)
        return np.asarray(Image.open(out).convert('RGB')).astype(int), 2


def runs(line, least):
    """Begin and end of runs of True that are at least so long."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], line.astype(int), [0]))))
    return [(a, b) for a, b in zip(edges[::2], edges[1::2]) if b - a >= least]


def frames(dark, s):
    """Rectangles (top, bottom, left, right) with four dark sides; if none, with a left and a lower one."""
    sides, found = [], []
    for y in range(dark.shape[0]):
        sides += [(y, a, b) for a, b in runs(dark[y], 12 * s)]
    for i, (top, a, b) in enumerate(sides):
        for bottom, c, d in sides[i + 1:]:
            if bottom - top < 30 * s or abs(a - c) > 14 * s or abs(b - d) > 14 * s:  # a tic may lengthen a side
                continue
            l, r = max(a, c), min(b, d)
            upright = [dark[top:bottom, max(x - 2 * s, 0):x + 2 * s + 1].any(axis=1).mean() for x in (l, r - 1)]
            if min(upright) > 0.98:
                if not any(abs(top - f[0]) < 4 * s and abs(l - f[2]) < 4 * s and abs(r - f[3]) < 4 * s for f in found):
                    found.append((top, bottom, l, r))
                break
    if found:
        return found
    for bottom, a, b in sides:
        reach = [bottom - runs(dark[:bottom, x], 1)[-1][0] for x in range(max(a - 2 * s, 0), a + 12 * s)
                 if dark[bottom - 1, x]]
        if b - a > 60 * s and reach and max(reach) > 60 * s:
            top = bottom - max(reach)
            if not any(abs(bottom - f[1]) < 4 * s and abs(a - f[2]) < 4 * s for f in found):
                found.append((top, bottom, a, b))
    return found


def same(image, colour, least=0.5):
    """Where the colour is, or at least so much of it on white (the edge of a line)."""
    white = np.array([255, 255, 255])
    way = white - np.array(colour)
    part = ((white - image) * way).sum(axis=2) / (way * way).sum()
    rest = np.abs((white - image) - part[..., None] * way).max(axis=2)
    return (part > least) & (part < 1.15) & (rest < 14)


def colours(pixels, least):
    """Colours that occur so often, the strongest first; the edge of a line, a mix with white, is none."""
    values, counts = np.unique(pixels, axis=0, return_counts=True)
    found = []
    for i in np.lexsort((-counts, -np.ptp(values, axis=1))):
        if counts[i] >= least and not any(same(values[i][None, None, :], c, 0.1)[0, 0] or
                                          np.abs(values[i] - c).max() < 30 for c in found):
            found.append(values[i])
    return found


def words(grey, box, s):
    """The box (top, bottom, left, right) of what looks like letters inside a frame, or None."""
    top, bottom, left, right = box
    edge = 3 * s
    labels, _ = ndimage.label(grey[top + edge:bottom - edge, left + edge:right - edge], np.ones((3, 3)))
    letters = []
    for y, x in ndimage.find_objects(labels):
        height, width = y.stop - y.start, x.stop - x.start
        inner = (y.start > 8 * s and x.start > 8 * s and y.stop < labels.shape[0] - 8 * s and
                 x.stop < labels.shape[1] - 8 * s)
        if inner and 4 * s <= height <= 16 * s and width <= 16 * s and width + height >= 8 * s:
            letters.append((y.start, y.stop, x.start, x.stop))
    if len(letters) < 8:
        return None
    letters = np.array(letters) + top + edge
    letters[:, 2:] += left - top
    return letters[:, 0].min(), letters[:, 1].max(), letters[:, 2].min(), letters[:, 3].max()


def look(path):
    """What is at fault with a picture."""
    image, s = render(path)
    spread = image.max(axis=2) - image.min(axis=2)
    coloured = spread > 60
    dark = (image.max(axis=2) < 150) & (spread < 40)
    boxes = frames(dark, s)
    if not boxes:
        return ['no plot area']
    wide = [b for b in boxes if b[3] - b[2] > 40 * s]
    bars = len(boxes) > len(wide)
    inside = np.zeros(dark.shape, bool)
    faults = []
    for top, bottom, left, right in boxes:
        inside[top - s:bottom + s + 1, left - s:right + s + 1] = True
    for box in wide:
        found = words(dark, box, s)
        if not found:
            continue
        top, bottom, left, right = found
        labels, _ = ndimage.label(coloured[top:bottom, left:right])
        if any((labels == i + 1).sum() > 6 * s * s for i in range(labels.max())):
            faults.append('a legend lies on data')
        inside[top:bottom, max(left - 60 * s, box[2]):min(right + 60 * s, box[3])] = False
    legend = colours(image[coloured & ~inside], 8 * s)
    if not legend:
        if not bars and len(colours(image[coloured & inside], 60 * s)) > 1:
            faults.append('several colours and no legend')
        return faults
    for colour in legend:
        name = '#%02x%02x%02x' % tuple(colour)
        where = same(image, colour)
        sample = where & ~inside
        line = any(runs(row, 20 * s) for row in sample[sample.any(axis=1)])
        least = 3 * sample.sum() if not line else 60 * s
        seen = sum(int(where[t + s:b - s, l + s:r - s][inside[t + s:b - s, l + s:r - s]].sum()) for t, b, l, r in wide)
        if seen < min(least, 60 * s):
            faults.append('%s of the legend is hardly in the plot area: %d pixels' % (name, seen))
        for t, b, l, r in wide:
            part = (where & inside)[t + s:b - s, l + s:r - s]
            columns = np.flatnonzero(part.any(axis=0))
            if not line or part.sum() < 20 * s or not len(columns):
                continue
            reach = columns[-1] - columns[0] + 1
            if reach > 0.15 * (r - l) and len(columns) < 0.5 * reach:
                faults.append('%s is seen in %d %% of the columns between its ends in the panel at (%d, %d)' %
                              (name, 100 * len(columns) / reach, l // s, t // s))
    return faults


SAMPLES = {  # what gnuplot draws, and the fault (part of its text) to be found
    'good': ('set key outside; plot x**2 lw 2 lc rgb "#d55e00" title "a", 1 lw 2 lc rgb "#0072b2" title "b"', None),
    'broken': ('set key outside; set samples 40; plot "+" using 1:(int($0) % 2 ? $1 : 1/0) with linespoints pt 7 '
               'ps 0.4 lc rgb "#d55e00" title "a"', 'between its ends'),
    'hidden': ('set key outside; plot x lw 2 lc rgb "#d55e00" title "a", x lw 6 lc rgb "#0072b2" title "b"', 'hardly'),
    'covering': ('set key at graph 0.9,0.6; plot [-1:1] for [i=1:9] i*x*0.1 lw 3 lc rgb "#d55e00" title "a curve"',
                 'lies on data'),
    'bare': ('unset key; plot x lw 2 lc rgb "#d55e00", 1 lw 2 lc rgb "#0072b2"', 'no legend'),
}


def prove():
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in ('svg', 'png'):
            for name, (script, fault) in SAMPLES.items():
                path = os.path.join(folder, name + '.' + kind)
                term = 'svg size 600,400 background "#ffffff"' if kind == 'svg' else 'pngcairo size 600,400'
                script = 'set terminal %s; set output "%s"; %s' % (term, path, script)
                subprocess.run(['gnuplot', '-e', script], check=True)
                found = look(path)
                right = not found if fault is None else any(fault in f for f in found)
                bad += not right
                if not right:
                    print('look: the sample %s.%s should show %s; found: %s' % (name, kind, fault, found))
    return bad


def main(arguments):
    bad = prove() if '--prove' in arguments else 0
    pictures = [a for a in arguments if a != '--prove'] or sorted(
        p for p in glob.glob(os.path.join(DOCS, '*.svg')) + glob.glob(os.path.join(DOCS, '*.png'))
        if os.path.basename(p) not in PHOTOGRAPHS)
    for path in pictures:
        for fault in look(path):
            print('%s: %s' % (os.path.basename(path), fault))
            bad += 1
    print('look: %d pictures, %d faults' % (len(pictures), bad))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
