# The share of cues that come back whole, by the number of flipped bits.
of(k) = sprintf("< awk 'NF == 12 && $1 != \"#\" && ++n == %d { for (i = 3; i <= 11; i++) print 3 * (i - 3), $i }' %s", \
  k, data)
of5 = "< awk '$1 == \"no\" { for (i = 4; i <= 12; i++) print 3 * (i - 4), $i }' ".data
set xrange [-0.3:24.3]
set yrange [-0.03:1.04]
set xtics 0, 3
set xlabel 'flipped bits of 60'
set ylabel 'share of cues that come back whole'
set bmargin at screen 0.27
set key at screen 0.5, 0.055 center center horizontal reverse Left samplen 2 maxrows 2
set style line 1 lw 2 pt 7 ps 0.6
plot of(1) using 1:2 with linespoints lw 6 pt 7 ps 0.6 lc rgb '#c9c9c9' title 'untrained, gamma 0.17', \
     of(2) using 1:2 with linespoints ls 1 lc rgb blue title 'trained, gamma 0.17', \
     of5 using 1:2 with linespoints ls 1 lc rgb green title 'no self, gamma 0.02', \
     of(4) using 1:2 with linespoints ls 1 lc rgb orange title 'trained, gamma 0.02', \
     of(5) using 1:2 with linespoints ls 1 lc rgb red title 'trained, gamma 0.001', \
     of(3) using 1:2 with linespoints ls 1 lc rgb purple title 'untrained, gamma 0.02'
