# Sequential recall, from sequential_recall.csv: what the cue changes, and where the order breaks. Lines that lie on one
# another are moved a few per cent apart along x; the keys stand above the data.
set datafile separator ','
set terminal svg size 1000,760 font 'sans,11' background '#ffffff'
set output out.'/hfy_sequence.svg'
file = data.'/sequential_recall.csv'
only(where) = sprintf("< awk -F, '%s' %s", where, file)
size(cue, rho, sim) = only(sprintf('$1=="size" && $2==2 && $5=="%s" && $3==%d && $4=="%s"', cue, rho, sim))
noise(cue, n) = only(sprintf('$1=="noise" && $3==1 && $5=="%s" && $10==%d', cue, n))
t(cue, rho) = only(sprintf('$1=="t" && $5=="%s" && $3==%d && $10==64', cue, rho))
set pointsize 0.6
set bars 0.5
set key top left Left reverse maxrows 3 samplen 2
set yrange [-0.03:1.4]
set ytics 0, 0.2, 1
set multiplot layout 2,2 margins 0.07,0.98,0.08,0.95 spacing 0.09,0.14
set logscale x 2
set xrange [12:2900]
set xlabel 'stored pictures'
set style data yerrorlines
set ylabel 'order: median, quartiles'
set title 'order of the items after the cue (sparsemax)'
plot size('bare', 1, 'dot') using ($10*0.91):13:14:15 pt 5 lc 7 title 'bare cue, rho 1', \
     size('bare', 2, 'dot') using ($10*0.97):13:14:15 pt 9 lc 4 title 'bare cue, rho 2', \
     size('recalled', 1, 'dot') using ($10*1.03):13:14:15 pt 7 lc 6 title 'cue counts, dots', \
     size('recalled', 1, 'euclidean') using ($10*1.09):13:14:15 pt 13 lc 2 title 'cue counts, distances'
set style data linespoints
set ylabel 'share of draws'
set title 'draws in perfect order (sparsemax)'
plot size('bare', 1, 'dot') using ($10*0.91):($12/$11) pt 5 lc 7 title 'bare cue, rho 1', \
     size('bare', 2, 'dot') using ($10*0.97):($12/$11) pt 9 lc 4 title 'bare cue, rho 2', \
     size('recalled', 1, 'dot') using ($10*1.03):($12/$11) pt 7 lc 6 title 'cue counts, dots', \
     size('recalled', 1, 'euclidean') using ($10*1.09):($12/$11) pt 13 lc 2 title 'cue counts, distances'
set xrange [0.4:11]
set xlabel 'standard deviation of the noise on a cue with pixels in [-1, 1]'
set title 'noisy cues: draws in perfect order (sparsemax, rho 1)'
plot for [k=0:2] noise('recalled', 16*4**k) using ($7*(1+0.05*(k-1))):($12/$11) pt 7 ps 0.4+0.25*k lc 6 dt k+1 \
         title sprintf('cue counts, %d pictures', 16*4**k), \
     for [k=0:2] noise('bare', 16*4**k) using ($7*(1+0.05*(k-1))):($12/$11) pt 5 ps 0.4+0.25*k lc 7 dt k+1 \
         title sprintf('bare cue, %d pictures', 16*4**k)
unset logscale x
set logscale x 10
set xrange [0.5:3e8]
set format x '10^{%T}'
set mxtics default
set xlabel 't, the score of two neighbours'
set title 'transition score: draws in perfect order (sparsemax, 64 pictures)'
plot t('recalled', 1) using ($8*0.9):($12/$11) pt 7 lc 6 title 'cue counts, rho 1', \
     t('recalled', 2) using ($8*1.1):($12/$11) pt 6 lc 6 dt 2 title 'cue counts, rho 2', \
     t('bare', 1) using ($8*0.9):($12/$11) pt 5 lc 7 title 'bare cue, rho 1', \
     t('bare', 2) using ($8*1.1):($12/$11) pt 9 lc 4 dt 2 title 'bare cue, rho 2'
unset multiplot
