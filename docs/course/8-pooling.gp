# Loss on other bags and the weight that the right row gets, while two pooling layers train.
set terminal svg size 760,360 font 'sans,12' background '#ffffff'
set multiplot layout 1,2 margins 0.07, 0.98, 0.19, 0.89 spacing 0.09
of(kind) = "< awk '$1 == \"".kind."\"' ".data
set xrange [-3:163]
set xtics 40
set xlabel 'step of the optimiser'
set style line 1 lw 2 pt 7 ps 0.6
set title 'loss on bags it was not trained on'
set yrange [0:0.72]
set key top right reverse Left samplen 2
plot of('softmax') using 2:3 with linespoints ls 1 lc rgb grey title 'softmax', \
     of('sparsemax') using 2:3 with linespoints ls 1 lc rgb blue title 'sparsemax'
set title 'weight on the row with the signal'
set yrange [0:1.02]
set key bottom right
set arrow from graph 0, first 0.0833 to graph 1, first 0.0833 nohead lc rgb grey dt 2
set label '1/12' at graph 0.5, first 0.12 center textcolor rgb grey
plot of('softmax') using 2:5 with linespoints ls 1 lc rgb grey notitle, \
     of('sparsemax') using 2:5 with linespoints ls 1 lc rgb blue notitle
unset multiplot
