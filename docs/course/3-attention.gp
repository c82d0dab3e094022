# Five patterns in the plane, the energy (MHN 2) as contours, and the steps of four queries for two values of beta.
set terminal svg size 760,420 font 'sans,12' background '#ffffff'
$patterns << EOD
0.9 0.3
0.2 0.9
-0.8 0.6
-0.7 -0.7
0.6 -0.8
EOD
lse(b, x, y) = log(exp(b * (0.9 * x + 0.3 * y)) + exp(b * (0.2 * x + 0.9 * y)) + exp(b * (-0.8 * x + 0.6 * y)) \
                   + exp(b * (-0.7 * x - 0.7 * y)) + exp(b * (0.6 * x - 0.8 * y))) / b
e(b, x, y) = -lse(b, x, y) + 0.5 * (x * x + y * y) + log(5) / b + 0.5
set xrange [-1.5:1.5]
set yrange [-1.5:1.5]
set samples 41
set isosamples 41
set contour base
unset surface
set cntrparam levels auto 11
set table $two
splot e(2, x, y)
unset table
set table $eight
splot e(8, x, y)
unset table
set size ratio -1
set xtics 1
set ytics 1
set multiplot layout 1,2 margins 0.06, 0.98, 0.12, 0.92 spacing 0.07
unset key
path(b, s) = sprintf("< awk 'NF == 6 && $1 == %d && $2 == %d' %s", b, s, data)
colour(s) = word('#1f6fb4 #c8442f #3a8a3a #d98a00', s + 1)
set title 'beta = 2'
plot $two using 1:2 with lines lc rgb '#d0d0d0' lw 1, \
     $patterns using 1:2 with points pt 7 ps 1.2 lc rgb grey, \
     for [s=0:3] path(2, s) using 4:5 with linespoints pt 6 ps 0.7 lw 2 lc rgb colour(s)
set title 'beta = 8'
plot $eight using 1:2 with lines lc rgb '#d0d0d0' lw 1, \
     $patterns using 1:2 with points pt 7 ps 1.2 lc rgb grey, \
     for [s=0:3] path(8, s) using 4:5 with linespoints pt 6 ps 0.7 lw 2 lc rgb colour(s)
unset multiplot
