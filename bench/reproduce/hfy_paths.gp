# HFY Figures 2 (hfy_paths.svg) and 3 (hfy_entropies.svg) from paths.csv and binary.csv
load 'panels.gp'
of(file, m) = sprintf("< awk -F, '$1==\"%s\"' %s/%s", m, data, file)
low = 0.01; high = 0.1

set terminal svg size 1000,560 font 'sans,11' background '#ffffff'
set output out.'/hfy_paths.svg'
set multiplot
rows = 2; columns = 4; left = 0.05; right = 0.99; bottom = 0.2; top = 0.94; across = 0.03; down = 0.1
theta = '1.0716 -1.1221 -0.3288 0.3368 0.0425'
methods = 'softmax 1.5-entmax sparsemax 4-entmax 2-normmax 5-normmax 2-subsets 2-sequence'
set xrange [0:4]
set yrange [-0.03:1.05]
set xtics 1
set ytics 0.25
do for [r=1:2] { do for [c=1:4] {
    @panel
    m = word(methods, 4 * r + c - 4)
    set title m offset 0,-0.6
    set xlabel (r == 2 ? 'temperature' : '') offset 0,0.5
    set format y (c == 1 ? '%g' : '')
    plot for [i=1:5] of('paths.csv', m) using 2:(column(i+2)) with lines lw 7 - i lc rgb word(colours, i)
} }
@legend
plot NaN notitle, for [i=1:5] keyentry with lines lw 7 - i lc rgb word(colours, i) title sprintf('y_%d (score %s)', i, word(theta, i))
unset multiplot
@again

set terminal svg size 1000,620 font 'sans,11' background '#ffffff'
set output out.'/hfy_entropies.svg'
set multiplot
columns = 3; bottom = 0.19; top = 0.95; across = 0.045; down = 0.13
set format y '%g'
array family[2] = ["softmax 1.5-entmax sparsemax inf-entmax", "inf-normmax 5-normmax 2-normmax 1-normmax"]
array shown[3] = ["entropy of (p, 1-p)", "first weight of the prediction for (s, 0)", "loss of (s, 0) and the first corner"]
do for [r=1:2] { do for [c=1:3] {
    @panel
    set title shown[c].', '.(r == 1 ? 'entmax' : 'normmax') offset 0,-0.6
    set xlabel (c == 1 ? 'p' : 's') offset 0,0.5
    if (c == 1) { set xrange [0:1]; set xtics 0.25 } else { set xrange [-3:3]; set xtics 1 }
    if (c == 3) { set yrange [-0.12:3.1]; set ytics 1 } else { set yrange [-0.05:(c == 1 ? 0.75 : 1.05)]; set ytics 0.25 }
    plot for [k=1:4] of('binary.csv', word(family[r], k)) using (c == 1 ? $2 : $4):(column(c == 1 ? 3 : c + 3)) with lines lw wide(k, 4) lc rgb word(colours, k)
} }
do for [r=1:2] {
    low = 0.09 - 0.045 * r; high = low + 0.05
    @legend
    plot NaN notitle, for [k=1:4] keyentry with lines lw wide(k, 4) lc rgb word(colours, k) title word(family[r], k)
}
unset multiplot
