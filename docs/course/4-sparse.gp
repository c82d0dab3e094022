# Left the weight, right the loss, of two scores s and 0.
set terminal svg size 760,360 font 'sans,12' background '#ffffff'
set multiplot layout 1,2 margins 0.07, 0.98, 0.19, 0.89 spacing 0.09
set xrange [-1:2.75]
set xlabel 'lead s'
set style line 1 lw 2 pt 7 ps 0.4
lines(first) = "< awk 'NF == 9 && $1 ~ /^-?[0-9.]+$/' ".data
set title 'weight of the first pattern'
set yrange [0:1.05]
set key bottom right reverse Left samplen 2
plot lines(0) using 1:2 with linespoints ls 1 lc rgb grey title 'softmax', \
     '' using 1:3 with linespoints ls 1 lc rgb green title '1.5-entmax', \
     '' using 1:5 with linespoints ls 1 lc rgb orange title '2-normmax', \
     '' using 1:4 with linespoints ls 1 lc rgb blue title 'sparsemax'
set title 'Fenchel-Young loss towards the first'
set yrange [-0.03:1.4]
unset key
plot lines(0) using 1:6 with linespoints ls 1 lc rgb grey, \
     '' using 1:7 with linespoints ls 1 lc rgb green, \
     '' using 1:9 with linespoints ls 1 lc rgb orange, \
     '' using 1:8 with linespoints ls 1 lc rgb blue
unset multiplot
