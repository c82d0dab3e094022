# MHN: retrieval error against separation with Theorem 5's bound; what is stored against the dimension
load 'panels.gp'
set terminal svg size 1000,450 font 'sans,11' background '#ffffff'
set output out.'/mhn_error.svg'
set multiplot
rows = 1; columns = 2; left = 0.085; right = 0.99; bottom = 0.29; top = 0.92; across = 0.09; down = 0
low = 0.02; high = 0.16
c = 1; r = 1
@panel
set logscale y
set format y '10^{%T}'
set yrange [1e-10:1e3]
set xlabel 'separation'
set ylabel 'retrieval error'
set title '200 random patterns of length 6 in 16 dimensions'
betas = '0.5 1'
of(b) = sprintf("< awk -F, '$1==\"sphere\" && $2==%s' %s/error.csv", b, data)
set key at screen 0.04, screen 0.09 left center Left reverse horizontal maxrows 2 samplen 1
plot for [k=1:2] of(word(betas, k)) using 3:4 with points pt 7 ps 0.35 lc rgb word(colours, 2 * k - 1) title 'measured, beta '.word(betas, k), \
     for [k=1:2] of(word(betas, k)) using 3:5 with points pt 9 ps 0.35 lc rgb word(colours, 2 * k) title 'Theorem 5, beta '.word(betas, k)
unset logscale y
c = 2
@panel
set format y '%g'
set logscale x 2
set yrange [-0.04:1.05]
set xlabel 'random patterns, K = 3, beta = 1'
set ylabel 'share of draws in which all are retrieved'
set title 'capacity by dimension'
set key at screen from(2), screen 0.09 left center Left reverse horizontal maxrows 2 samplen 2.5
plot for [k=1:6] sprintf("< awk -F, '$1==%d' %s/stored.csv", 4 * k, data) using 4:6 with lines lw wide(k, 6) \
     lc rgb word(colours, k) title sprintf('d = %d', 4 * k)
unset multiplot
