# HFY Figures 2 and 3 from paths.csv and binary.csv
set datafile separator ','
set terminal svg size 1000,520 font 'sans,11' background '#ffffff'
set output out.'/hfy_paths.svg'
set multiplot layout 2,4
set yrange [-0.02:1.05]
set xlabel 'temperature'
unset key
do for [m in 'softmax 1.5-entmax sparsemax 4-entmax 2-normmax 5-normmax 2-subsets 2-sequence'] {
    set title m
    plot for [i=1:5] sprintf("< awk -F, '$1==\"%s\"' %s/paths.csv", m, data) using 2:(column(i+2)) with lines lw 1.5
}
unset multiplot
set terminal svg size 1000,330 font 'sans,11' background '#ffffff'
set output out.'/hfy_entropies.svg'
set multiplot layout 1,3
set autoscale y
set yrange [0:*]
set key top right font ',9'
methods = "softmax 1.5-entmax sparsemax 4-entmax 2-normmax 5-normmax"
rows(m) = sprintf("< awk -F, '$1==\"%s\"' %s/binary.csv", m, data)
set xlabel 'p'
set title 'entropy -Omega(p, 1-p)'
plot for [m in methods] rows(m) using 2:3 with lines lw 1.5 title m
set xlabel 's'
set key bottom right
set title 'first weight of the prediction for (s, 0)'
plot for [m in methods] rows(m) using 4:5 with lines lw 1.5 title m
set key top right
set title 'loss of (s, 0) and the first corner'
plot for [m in methods] rows(m) using 4:6 with lines lw 1.5 title m
unset multiplot
