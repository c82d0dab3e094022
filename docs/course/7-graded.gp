# The largest real part of the Jacobian's eigenvalues against the load, measured and by two theories.
rows = "< awk 'NF == 9 && $1 != \"#\"' ".data
set xrange [0.03:0.62]
set yrange [-0.1:0.13]
set xtics 0.1
set xlabel 'load  alpha = patterns / units'
set ylabel 'largest real part of an eigenvalue'
set xzeroaxis lt 1 lw 1.5 lc rgb '#555555'
set label 'unstable' at 0.04, 0.012 textcolor rgb grey
set label 'stable' at 0.575, -0.012 textcolor rgb grey
set key left top reverse Left samplen 2
set style line 1 lw 2 pt 7 ps 0.7
plot rows using 1:2 with lines lw 2 dt 2 lc rgb orange title 'bulk, the paper (RATE 10)', \
     rows using 1:3 with lines lw 2 lc rgb blue title 'bulk, corrected', \
     rows using 1:4 with points ls 1 lc rgb red title 'measured, mean of five patterns'
