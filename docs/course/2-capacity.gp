# The share of patterns that come back whole, by how many are stored.
set logscale x
set xrange [1.8:2400]
set yrange [-3:104]
set datafile missing '-'
set xlabel 'random patterns of 100 bits that are stored (log scale)'
set ylabel 'back whole from 10 wrong bits, %'
set arrow from 14, 0 to 14, 100 nohead lc rgb grey dt 2
set label '0.14 D' at 14.5, 8 textcolor rgb grey
set key at graph 0.01, 0.42 left top reverse Left samplen 2
set style line 1 lw 2 pt 7 ps 0.6
plot data using 1:2 with linespoints ls 1 lc rgb blue title 'Hebb', \
     data using 1:3 with linespoints ls 1 lc rgb red title 'pseudo-inverse', \
     data using 1:4 with linespoints ls 1 lc rgb green title 'cubes', \
     data using 1:5 with linespoints ls 1 lc rgb orange title '4th powers', \
     data using 1:6 with lines lw 2 dt 3 lc rgb purple title 'exp'
