# HFY Figures 8, 9, 10 from dynamics_*.csv: for each of the four sets of patterns energies with the query's way (above) and
# basins (below)
load 'panels.gp'
low = 0.004; high = 0.03
omegas = 'softmax 1.5-entmax sparsemax 2-normmax 5-normmax'
sets = '0 3 8 9'
of(part, w) = sprintf("< awk -F, '$1==%s && $2==\"%s\" && $3==\"%s\"' %s/dynamics_%s.csv", n, psi, w, data, part)
# x, y and the energy; where it is infinite a ninth of its range above the greatest, which the palette shows as white
energy(w) = sprintf("< awk -F, '$1==%s && $2==\"%s\" && $3==\"%s\" { x[++m] = $4; y[m] = $5; z[m] = $6; if ($6 != \"\") { if (!k++ || $6 < a) a = $6; if (k == 1 || $6 > b) b = $6 } } END { \
for (i = 1; i <= m; i++) print x[i] \",\" y[i] \",\" (z[i] != \"\" ? z[i] : b + (b - a) / 8.9) }' %s/dynamics_grid.csv", n, psi, w, data)
patterns(k) = sprintf("< awk -F, '$1==%s && $2==\"%s\" && $3==%d' %s/dynamics_patterns.csv", n, psi, k, data)
share(w) = system(sprintf("awk -F, '$1==%s && $2==\"%s\" && $3==\"%s\" && $4==10 { printf \"%%.2f\", $5 }' %s/dynamics_share.csv", n, psi, w, data))
rows = 8; columns = 5; left = 0.03; right = 0.985; bottom = 0.045; top = 0.975; across = 0.02; down = 0.022
do for [psi in 'identity norm lnorm'] {
    set terminal pngcairo size 1100,1840 font 'sans,10'
    set output sprintf('%s/hfy_dynamics_%s.png', out, psi)
    set multiplot title (psi eq 'identity' ? 'no post-transformation' : psi eq 'norm' ? 'unit length' : 'layer norm').': energy at beta 1 and the way of a query; basins at beta 10 (white: a mixture) and the share that reaches one pattern'
    @again
    set autoscale fix
    unset colorbox
    unset tics
    do for [r=1:8] {
        n = word(sets, (r + 1) / 2)
        most = n eq '0' ? 3 : 5
        do for [c=1:5] {
            w = word(omegas, c)
            @panel
            set ylabel (c == 1 ? 'set '.n : '') offset 1.5
            if (r % 2) {
                set title w.', energy' offset 0,-0.8
                if (psi eq 'identity') { set palette defined (0 '#20306a', 3 '#4f9ac9', 6 '#f4f1d0', 9 '#d9763a') maxcolors 9 } else { \
                    set palette defined (0 '#20306a', 2.7 '#4f9ac9', 5.4 '#f4f1d0', 8.1 '#d9763a', 8.1 'white', 9 'white') maxcolors 10 }
                set autoscale cb
                plot energy(w) using 1:2:3 with image, \
                     of('walk', w) using 5:6 with linespoints lw 2 lc rgb '#c000c0' pt 7 ps 0.5, \
                     of('walk', w)." | head -1" using 5:6 with points pt 6 ps 1.4 lw 2 lc rgb '#c000c0', \
                     for [k=1:most] patterns(k) using 4:5 with points pt 5 ps 1.1 lc rgb 'black', \
                     for [k=1:most] patterns(k) using 4:5 with points pt 5 ps 0.7 lc rgb 'white'
            } else {
                set title sprintf('%s, basins: %s', w, share(w)) offset 0,-0.8
                set palette defined (0 'white', 1 word(colours, 1), 2 word(colours, 2), 3 word(colours, 3), 4 word(colours, 4), 5 word(colours, 6)) maxcolors 6
                set cbrange [0:5]
                plot of('grid', w) using 4:5:7 with image, \
                     for [k=1:most] patterns(k) using 4:5 with points pt 5 ps 1.3 lc rgb 'black', \
                     for [k=1:most] patterns(k) using 4:5 with points pt 5 ps 0.9 lc rgb word(colours, k == 5 ? 6 : k)
            }
        }
    }
    @legend
    plot NaN notitle, keyentry with linespoints lw 2 lc rgb '#c000c0' pt 7 ps 0.5 title 'the query, from the circle on', \
         for [k=1:5] keyentry with points pt 5 ps 1.5 lc rgb word(colours, k == 5 ? 6 : k) title sprintf('reaches pattern %d', k)
    unset multiplot
}
