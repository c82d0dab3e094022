# klr.gp: build/klr_*.csv to docs/klr_*.png. gnuplot -e "build='build'; docs='../../docs'" klr.gp
load 'panels.gp'
low = 0.01; high = 0.1
# rows of a file in which column i is a word and column j another
of(part, i, a, j, b) = sprintf("< awk -F, '$%d==\"%s\" && $%d==\"%s\"' %s/klr_%s.csv", i, a, j, b, build, part)
trained = "paper exact"
array said[2] = ["papers' training", "exact optimum of the same loss"]

# --- the plane of load and gamma: each cell reaches half way to the next point measured (and a little into the next
# cell, so that no seam shows); grey is not measured ---
# gives load gamma lowest and highest load, lowest and highest gamma, value (gammas are equally spaced in the logarithm)
cells(how, c) = sprintf("< awk -F, 'NR > 1 && $4==\"%s\" { l[$2]; g[$1]; v[$2,$1] = $%d } END { \
for (a in l) { x = a; lo = -1; hi = 9e9; for (b in l) { if (b+0 < a+0 && b+0 > lo) lo = b+0; if (b+0 > a+0 && b+0 < hi) hi = b+0 } \
if (lo < 0) lo = a - (hi - a); if (hi > 8e9) hi = 2 * a - lo; \
for (a2 in g) { lg = -1; for (b in g) if (b+0 < a2+0 && b+0 > lg) lg = b+0; r = sqrt(lg > 0 ? a2 / lg : 1); if (!step || r > step) step = r > 1 ? r : step } \
for (y in g) if (v[x,y] != \"\") print x \",\" y \",\" (lo + a) / 2 \",\" (hi + a) / 2 + 0.01 \",\" y / step \",\" y * step * 1.02 \",\" v[x,y] } }' %s/klr_phase.csv", how, c, build)
plane = 'set logscale y; set xrange [0:5.5]; set yrange [0.75e-4:1.35]; set format y "10^{%T}"; set xlabel "load P/N" offset 0,0.5; \
set object 1 rectangle from graph 0,0 to graph 1,1 behind fc rgb "#c8c8c8" fs solid'
limit(g) = ((sqrt(80) - 1) * (2 / (1 + exp(-4 * g))) ** 100) / 100
rows = 1; columns = 2; left = 0.07; right = 0.92; bottom = 0.19; top = 0.86; across = 0.14; down = 0
do for [figure in "sharpness interference rank"] {
    set terminal pngcairo size 1100,500 font ',10'
    if (figure eq "sharpness") { v = 8; t = 'KLR-S and KLR-L figure 1: log10 of the Pinnacle Sharpness, mean of 20 patterns'; set cbrange [1:9]; set palette defined (0 'black', 1 'purple', 2 'orange', 3 'yellow') }
    if (figure eq "interference") { v = 10; t = 'Figure 2: force interference rho, mean of 20 patterns'; set cbrange [-1:1]; set palette defined (-1 'blue', 0 'white', 1 'red') }
    if (figure eq "rank") { v = 13; t = 'KLR-S figure 4: stable rank of alpha'; set cbrange [1:95]; set palette defined (0 'yellow', 1 'orange', 2 'purple', 3 'black') }
    set output sprintf('%s/klr_%s.png', docs, figure)
    set multiplot title t
    @again
    @plane
    r = 1
    do for [c=1:2] {
        @panel
        set ylabel (c == 1 ? 'gamma' : '')
        set title said[c] offset 0,-0.5
        if (c == 1) {
            plot cells(word(trained, c), v) using 1:2:3:4:5:6:7 with boxxyerror fs solid noborder lc palette, \
                 [g=-3.5:-1.5] '+' using (limit(10**$1)):(10**$1) with lines lw 3 lc rgb '#00c800'
        } else {
            plot cells(word(trained, c), v) using 1:2:3:4:5:6:7 with boxxyerror fs solid noborder lc palette
        }
    }
    unset object 1
    @legend
    plot NaN notitle, keyentry with lines lw 3 lc rgb '#00c800' title "where the papers' step becomes unstable (below)"
    unset multiplot
}

# --- what the plane means for a user: recall from 20 flips, and random states that stand still ---
set output docs.'/klr_recall.png'
set cbrange [0:1]
set palette defined (0 'black', 0.5 'steelblue', 1 'yellow')
set multiplot title 'What a user gets: N = 100, share of patterns recalled from 20 flipped bits, and the identity map'
@again
@plane
columns = 3; across = 0.09; bottom = 0.12; right = 0.925
array shown[3] = ["recall, papers' training", "recall, exact optimum", "random states that stand still, exact"]
do for [c=1:3] {
    @panel
    set ylabel (c == 1 ? 'gamma' : '')
    set title shown[c] offset 0,-0.5
    plot cells(c == 1 ? 'paper' : 'exact', c == 3 ? 21 : 20) using 1:2:3:4:5:6:7 with boxxyerror fs solid noborder lc palette
}
unset object 1
unset multiplot
unset logscale
unset colorbox

# --- figure 3 ---
set output docs.'/klr_forces.png'
set multiplot title 'Figure 3: the forces against the load at gamma = 0.001, medians and extremes of five sets of patterns'
@again
columns = 2; across = 0.07; right = 0.98; bottom = 0.22
# load, then median, least and greatest of column k over the sets
sets(how, k) = sprintf("< awk -F, '$4==\"%s\" { print $1, $%d }' %s/klr_forces.csv | sort -k1,1g -k2,2g | awk '{ if ($1 != l && n) { print l \",\" v[int((n+1)/2)] \",\" v[1] \",\" v[n]; n = 0 } l = $1; v[++n] = $2 } END { print l \",\" v[int((n+1)/2)] \",\" v[1] \",\" v[n] }'", how, k, build)
set logscale y
set format y '10^{%T}'
set xrange [0:4.1]
set yrange [1:1e9]
set xlabel 'load P/N' offset 0,0.5
forces = 'sharpness direct indirect'
do for [c=1:2] {
    @panel
    set ylabel (c == 1 ? 'squared norm at pattern 0' : '')
    set title said[c] offset 0,-0.5
    plot for [k=1:3] sets(word(trained, c), k + 5) using 1:2 with lines lw wide(k, 3) lc rgb word(colours, k), \
         for [k=1:3] sets(word(trained, c), k + 5) using 1:3:(0):($4-$3) with vectors heads size screen 0.004,90 lc rgb word(colours, k)
}
@legend
plot NaN notitle, for [k=1:3] keyentry with lines lw wide(k, 3) lc rgb word(colours, k) title word(forces, k)
unset multiplot

# --- figure 5 ---
set output docs.'/klr_spectrum.png'
set multiplot title 'KLR-S figure 5: the spectrum of alpha, P = 400'
@again
set logscale xy
set xrange [0.9:110]
set yrange [10:3e3]
set format x '%g'
set xlabel 'index' offset 0,0.5
widths = "0.001 0.02 0.1"
do for [c=1:2] {
    @panel
    set ylabel (c == 1 ? 'singular value of alpha' : '')
    set title said[c] offset 0,-0.5
    plot for [k=1:3] of('spectrum', 2, word(trained, c), 1, word(widths, k)) using 3:4 with lines lw wide(k, 3) lc rgb word(colours, k)
}
@legend
plot NaN notitle, for [k=1:3] keyentry with lines lw wide(k, 3) lc rgb word(colours, k) title 'gamma '.word(widths, k)
unset multiplot
unset logscale

# --- figures B-1 to B-3: a column each for the papers' step, a stable step, the exact trainer ---
set output docs.'/klr_dynamics.png'
set terminal pngcairo size 1400,1250 font ',10'
set multiplot title 'KLR-S appendix B: neuron 0 on its way'
@again
array hows[3] = ["paper", "stable", "exact"]
array ways[3] = ["step 0.1, 200 steps (the papers)", "a stable step, 200 steps", "exact trainer, to the optimum"]
way(g, p, c) = sprintf("< awk -F, '$1==\"%s\" && $2==\"%s\" && $3==\"%s\"' %s/klr_dynamics.csv", g, p, hows[c], build)
rows = 3; columns = 3; left = 0.06; right = 0.985; bottom = 0.08; top = 0.94; across = 0.055; down = 0.11
norms = 'Euclidean Riemannian natural'
array gains[4] = ["principal, P 400", "tail, P 400", "principal, P 100", "tail, P 100"]
array paths[2] = ["gamma 0.02, P 400", "gamma 0.1, P 400"]
do for [r=1:3] {
    @again
    if (r == 2) { set logscale y; set format y '10^{%T}' } else { unset logscale; set format y '%g' }
    set xlabel (r == 3 ? 'progress' : 'step') offset 0,0.5
    do for [c=1:3] {
        @panel
        set title sprintf('B-%d%s; %s', r, r == 1 ? ': gamma 0.01, P 400' : r == 2 ? ': gamma 0.02' : '', ways[c]) offset 0,-0.5
        set ylabel (c > 1 ? '' : r == 1 ? 'log10 of the squared norm' : r == 2 ? 'information gain of a step' : 'deviation from the straight line')
        set xrange [0:*]
        set yrange [*:*]
        if (r == 1) {
            plot for [k=1:3] way('0.01', '400', c) using 5:(k == 1 ? log10($6) : column(k + 5)) with lines lw 2.5 lc rgb word(colours, k)
        }
        if (r == 2) {
            plot for [k=1:4] way('0.02', k < 3 ? '400' : '100', c) using 5:(column(13 + (k + 1) % 2) > 0 ? column(13 + (k + 1) % 2) : NaN) with lines lw 2.5 lc rgb word(colours, k)
        }
        if (r == 3) {
            set xrange [0:(c < 3 ? 1.05 : 1.3)]
            set yrange [-0.001:0.055]
            plot for [k=1:2] way(k == 1 ? '0.02' : '0.1', '400', c) using 15:16 with lines lw 2.5 lc rgb word(colours, k)
        }
    }
    low = upto(r) - 0.072; high = low + 0.03
    @legend
    if (r == 1) { plot NaN notitle, for [k=1:3] keyentry with lines lw 2.5 lc rgb word(colours, k) title word(norms, k).(k == 3 ? ' step' : '') }
    if (r == 2) { plot NaN notitle, for [k=1:4] keyentry with lines lw 2.5 lc rgb word(colours, k) title gains[k] }
    if (r == 3) { plot NaN notitle, for [k=1:2] keyentry with lines lw 2.5 lc rgb word(colours, k) title paths[k] }
}
unset multiplot

# --- capacity: classical rules and dense memories left, kernel memories right ---
set output docs.'/klr_capacity.png'
set terminal pngcairo size 1100,760 font ',10'
set multiplot title 'Recall against load, N = 100'
@again
rows = 2; columns = 2; left = 0.07; right = 0.98; bottom = 0.27; top = 0.91; across = 0.06; down = 0.09
set logscale x
set xrange [0.04:20]
set yrange [-0.04:1.06]
array classical[5] = ["hebb", "pseudo-inverse", "dense x^2", "dense x^3", "dense e^x"]
array kernel[4] = ["klr exact,0.02", "klr exact,0.05", "klr exact,0.173", "klr raw,0.173"]
array kernels[4] = ["KLR, gamma 0.02", "KLR, gamma 0.05", "KLR, gamma 0.173", "untrained, gamma 0.173"]
recall(memory) = sprintf("< awk -F, '($3 \",\" $4)==\"%s\"' %s/klr_capacity.csv", memory, build)
do for [r=1:2] { do for [c=1:2] {
    @panel
    set title sprintf('cues with %d flipped bits, %s', 10 * r, c == 1 ? 'classical rules and dense memories' : 'kernel memories') offset 0,-0.5
    set ylabel (c == 1 ? 'share recalled whole' : '')
    set xlabel (r == 2 ? 'load P/N' : '') offset 0,0.5
    if (r == 2) { set key default; set key at screen from(c) + 0.12, screen 0.105 left center Left reverse samplen 3 } else { unset key }
    if (c == 1) {
        plot for [k=1:5] recall(classical[k].',0') using 1:(column(5 + r)) with lines lw wide(k, 5) lc rgb word(colours, k) title classical[k]
    } else {
        plot for [k=1:4] recall(kernel[k]) using 1:(column(5 + r)) with lines lw wide(k, 4) lc rgb word(colours, k) title kernels[k]
    }
} }
unset multiplot
