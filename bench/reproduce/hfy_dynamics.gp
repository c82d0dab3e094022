# HFY Figures 8, 9, 10 from dynamics_*.csv: energies with trajectories above, basins below
set datafile separator ','
set terminal pngcairo size 1250,560 font 'sans,10'
set datafile missing ''
unset key
unset colorbox
set size ratio -1
set autoscale fix
set xtics 1
set ytics 1
do for [psi in 'identity norm lnorm'] {
    set output sprintf('%s/hfy_dynamics_%s.png', out, psi)
    set multiplot layout 2,5
    do for [w in 'softmax 1.5-entmax sparsemax 2-normmax 5-normmax'] {
        set title sprintf('%s, energy', w)
        set palette defined (0 '#20306a', 1 '#4f9ac9', 2 '#f4f1d0', 3 '#d9763a')
        set autoscale cb
        plot sprintf("< awk -F, '$1==\"%s\" && $2==\"%s\" && $5!=\"\"' %s/dynamics_grid.csv", psi, w, data) \
                 using 3:4:5 with points pt 5 ps 0.35 palette, \
             for [s=0:7] sprintf("< awk -F, '$1==\"%s\" && $2==\"%s\" && $3==%d' %s/dynamics_walk.csv", psi, w, s, data) \
                 using 5:6 with linespoints lc 'black' pt 7 ps 0.25, \
             sprintf("< awk -F, '$1==\"%s\"' %s/dynamics_patterns.csv", psi, data) using 3:4 with points pt 7 ps 0.9 lc 'red'
    }
    do for [w in 'softmax 1.5-entmax sparsemax 2-normmax 5-normmax'] {
        set title sprintf('%s, basins', w)
        set palette defined (0 'white', 1 '#e69f00', 2 '#56b4e9', 3 '#009e73', 4 '#f0e442', 5 '#cc79a7')
        set cbrange [0:5]
        plot sprintf("< awk -F, '$1==\"%s\" && $2==\"%s\"' %s/dynamics_grid.csv", psi, w, data) \
                 using 3:4:6 with points pt 5 ps 0.35 palette, \
             sprintf("< awk -F, '$1==\"%s\"' %s/dynamics_patterns.csv", psi, data) using 3:4 with points pt 7 ps 0.9 lc 'red'
    }
    unset multiplot
}
