# MHN: retrieval error against separation with Theorem 5's bound; what is stored against the dimension
set datafile separator ','
set terminal svg size 1000,380 font 'sans,11' background '#ffffff'
set output out.'/mhn_error.svg'
set multiplot layout 1,2
set logscale y
set format y '10^{%T}'
set yrange [1e-10:1e3]
set xlabel 'separation'
set ylabel 'retrieval error'
set title '200 random patterns of length 6 in 16 dimensions'
set key bottom left
rows(b) = sprintf("< awk -F, '$1==\"sphere\" && $2==%s' %s/mhn1/error.csv", b, data)
plot rows('0.5') using 3:4 with points pt 7 ps 0.3 lc 1 title 'beta 0.5, measured', \
     rows('0.5') using 3:5 with points pt 6 ps 0.3 lc 1 title 'Theorem 5', \
     rows('1') using 3:4 with points pt 7 ps 0.3 lc 2 title 'beta 1, measured', \
     rows('1') using 3:5 with points pt 6 ps 0.3 lc 2 title 'Theorem 5'
unset logscale y
set format y '%g'
set logscale x 2
set yrange [-0.03:1.05]
set xlabel 'random patterns, K = 3, beta = 1'
set ylabel 'share of draws in which all are retrieved'
set title 'capacity by dimension'
set key outside right center samplen 2
# five seeds of 20 draws: median, lowest, highest; lines that lie on one another grow thinner upwards
plot for [d=4:24:4] sprintf("< awk -F, 'NR==1 || $1==%d' %s/mhn_stored.csv", d, results) \
     using (column('patterns')):(column('retrieved')):(column('retrieved_low')):(column('retrieved_high')) \
     with yerrorlines lw 7 - d/4 pt 7 ps 0.4 title sprintf('d = %d', d)
unset multiplot
