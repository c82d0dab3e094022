# klr.gp: build/*.csv to docs/klr_*.png. gnuplot -e "build='build'; docs='../../docs'" klr.gp
set datafile separator ','
set datafile missing ''
set terminal pngcairo size 1100,470 font ',10'

# figures 1, 2, 4: the plane, papers' training left, optimum right
set logscale y
set yrange [0.7e-4:1.4]
set ylabel 'gamma'
set xlabel 'load P/N'
set xrange [-0.1:5.2]


do for [figure in "sharpness interference rank"] {
    if (figure eq "sharpness")    { c = 8;  t = 'KLR-S and KLR-L figure 1: log10 of the Pinnacle Sharpness, mean of 20 patterns'; set cbrange [1:9]; set palette defined (0 'black', 1 'purple', 2 'orange', 3 'yellow') }
    if (figure eq "interference") { c = 10; t = 'Figure 2: force interference rho, mean of 20 patterns'; set cbrange [-1:1]; set palette defined (-1 'blue', 0 'white', 1 'red') }
    if (figure eq "rank")         { c = 13; t = 'KLR-S figure 4: stable rank of alpha'; set cbrange [1:95]; set palette defined (0 'yellow', 1 'orange', 2 'purple', 3 'black') }
    set output sprintf('%s/klr_%s.png', docs, figure)
    set multiplot layout 1,2 title t
    set title "papers' training (line: stability limit)"
    plot build.'/phase.csv' using (strcol(4) eq 'paper' ? $2 : 1/0):1:c with points pt 5 ps 3.2 lc palette notitle, \
         '+' using (((sqrt(80)-1)*(2/(1+exp(-4*(10**(-3.5+$0/45.0)))))**100)/100 < 5.2 ? ((sqrt(80)-1)*(2/(1+exp(-4*(10**(-3.5+$0/45.0)))))**100)/100 : 1/0):(10**(-3.5+$0/45.0)) with lines lw 2 lc 'green' notitle
    set title 'exact optimum of the same loss'
    plot build.'/phase.csv' using (strcol(4) eq 'exact' ? $2 : 1/0):1:c with points pt 5 ps 3.2 lc palette notitle
    unset multiplot
}
# what the plane means for a user: recall from 20 flips, and random states that stand still
set output docs.'/klr_recall.png'
set cbrange [0:1]
set palette defined (0 'black', 0.5 'steelblue', 1 'yellow')
set multiplot layout 1,3 title 'What a user gets: N = 100, patterns recalled from 20 flipped bits, and the identity map'
set title "recall, papers' training"
plot build.'/phase.csv' using (strcol(4) eq 'paper' ? $2 : 1/0):1:20 with points pt 5 ps 2.3 lc palette notitle
set title 'recall, exact optimum'
plot build.'/phase.csv' using (strcol(4) eq 'exact' ? $2 : 1/0):1:20 with points pt 5 ps 2.3 lc palette notitle
set title 'random states that stand still, exact'
plot build.'/phase.csv' using (strcol(4) eq 'exact' ? $2 : 1/0):1:21 with points pt 5 ps 2.3 lc palette notitle
unset multiplot

# figure 3, five sets of patterns; what lies on one another stands beside
set output docs.'/klr_forces.png'
set xrange [0:4.2]
set yrange [1:1e10]
set ylabel 'squared norm at pattern 0'
set key top left Left reverse
set multiplot layout 1,2 title 'Figure 3: the forces against the load at gamma = 0.001; median, lowest and highest of five sets of patterns'
do for [how in "paper exact"] {
    set title how eq 'paper' ? "papers' training" : 'exact optimum'
    csv = sprintf("< awk -F, 'NR==1 || $3==\"%s\"' %s/klr_forces.csv", how, results)
    plot for [i=1:3] csv using (column('load') + 0.06*(i-1)):(column(word('sharpness direct indirect', i))):(column(word('sharpness direct indirect', i).'_low')):(column(word('sharpness direct indirect', i).'_high')) \
         with yerrorlines lw 1.5 pt 7 ps 0.5 lc rgb word('red blue dark-green', i) title word('sharpness direct indirect', i)
}
unset multiplot

# figure 5
set output docs.'/klr_spectrum.png'
set xrange [0.9:110]
set logscale x
set yrange [1:*]
set xlabel 'index'
set ylabel 'singular value of alpha'
set key bottom left
set multiplot layout 1,2 title 'KLR-S figure 5: the spectrum of alpha, P = 400'
do for [how in "paper exact"] {
    set title how eq 'paper' ? "papers' training" : 'exact optimum'
    plot for [g in "0.001 0.02 0.1"] build.'/spectrum.csv' using (strcol(2) eq how && strcol(1) eq g ? $3 : 1/0):4 with lines lw 2 title 'gamma '.g
}
unset multiplot
unset logscale x

# figures B-1 to B-3: a column each for the papers' step, a stable step, the exact trainer
set output docs.'/klr_dynamics.png'
set terminal pngcairo size 1400,1150 font ',10'
set multiplot layout 3,3 title 'KLR-S appendix B: neuron 0 on its way'
hows = 'paper stable exact'
titles = '"step 0.1, 200 steps (the papers)" "a stable step, 200 steps" "exact trainer, to the optimum"'
pick(g, p, s) = (strcol(1) eq g && strcol(2) eq p && strcol(3) eq s ? 1 : 1/0)
data = build.'/dynamics.csv'
set xlabel 'step'
set yrange [*:*]
unset logscale y
set key top right font ',8'
set ylabel 'log10 of the squared norm'
do for [i=1:3] {
    s = word(hows, i)
    set xrange [0:(i == 3 ? 85 : 200)]
    set title 'B-1: gamma 0.01, P 400; '.word(titles, i)
    plot data using (pick('0.01','400',s)*$5):(log10($6)) with lines lw 2 title 'Euclidean', \
         '' using (pick('0.01','400',s)*$5):7 with lines lw 2 title 'Riemannian', \
         '' using (pick('0.01','400',s)*$5):8 with lines lw 2 title 'natural step'
}
set logscale y
set format y '10^{%T}'
set ylabel 'information gain of a step'
do for [i=1:3] {
    s = word(hows, i)
    set xrange [0:(i == 3 ? 60 : 200)]
    set title 'B-2: gamma 0.02; '.word(titles, i)
    plot data using (pick('0.02','400',s)*$5):($13 > 0 ? $13 : 1/0) with lines lw 2 lc 'red' title 'principal, P 400', \
         '' using (pick('0.02','400',s)*$5):($14 > 0 ? $14 : 1/0) with lines lw 2 lc 'blue' title 'tail, P 400', \
         '' using (pick('0.02','100',s)*$5):($13 > 0 ? $13 : 1/0) with lines lw 2 dt 2 lc 'red' title 'principal, P 100', \
         '' using (pick('0.02','100',s)*$5):($14 > 0 ? $14 : 1/0) with lines lw 2 dt 2 lc 'blue' title 'tail, P 100'
}
unset logscale y
set format y '%g'
set xlabel 'progress'
set xrange [0:1.05]
set yrange [0:0.055]
set ylabel 'deviation from the straight line'
do for [i=1:3] {
    s = word(hows, i)
    set title 'B-3; '.word(titles, i)
    plot data using (pick('0.02','400',s)*$15):16 with lines lw 2 lc 'red' title 'gamma 0.02, P 400', \
         '' using (pick('0.1','400',s)*$15):16 with lines lw 2 lc 'blue' dt 2 title 'gamma 0.1, P 400'
}
unset multiplot
set terminal pngcairo size 1100,470 font ',10'

# capacity: a panel a memory, a curve a number of flipped bits
set terminal pngcairo size 1200,760 font ',9'
set output docs.'/klr_capacity.png'
set logscale x
set xrange [0.04:20]
set yrange [-0.03:1.1]
set key bottom left
unset xlabel
unset ylabel
set multiplot layout 3,5 title 'Share recalled whole against the load P/N, N = 100; median, lowest and highest of five sets of patterns'
memories = "hebb,0 pseudo-inverse,0 dense_x^2,0 dense_x^3,0 dense_e^x,0 klr_raw,0.02 klr_ridge,0.02 klr_paper,0.02 klr_exact,0.02 klr_exact,0.05 klr_raw,0.05 klr_ridge,0.05 klr_paper,0.05 klr_raw,0.173 klr_exact,0.173"
names = "Hebbian,pseudo-inverse,dense x²,dense x³,dense eˣ,untrained 0.02,ridge 0.02,papers' training 0.02,optimum 0.02,optimum 0.05,untrained 0.05,ridge 0.05,papers' training 0.05,untrained 0.173,optimum 0.173"
cut(list, i) = system(sprintf("printf %%s \"%s\" | cut -d, -f%d", list, i))
do for [m=1:15] {
    of = word(memories, m)
    set title cut(names, m) noenhanced
    csv = sprintf("< awk -F, 'NR==1 || ($3==\"%s\" && $4==\"%s\")' %s/klr_capacity.csv", \
                  system("printf %s '".cut(of, 1)."' | tr _ ' '"), cut(of, 2), results)
    plot for [i=1:3] csv using (column('load')*(1+0.06*(i-1))):(column('recall'.word('10 20 30', i))):(column('recall'.word('10 20 30', i).'_low')):(column('recall'.word('10 20 30', i).'_high')) \
         with yerrorlines pt 7 ps 0.4 lc i title m == 1 ? word('10 20 30', i).' bits flipped' : ''
}
unset multiplot
