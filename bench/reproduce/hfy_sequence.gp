# Sequential recall, from sequential_recall.csv: what the cue changes, and where the order breaks
load 'panels.gp'
set terminal svg size 1100,900 font 'sans,11' background '#ffffff'
set output out.'/hfy_sequence.svg'
file = data.'/sequential_recall.csv'
only(where) = sprintf("< awk -F, '%s' %s", where, file)
size(cue, rho, sim) = only(sprintf('$1=="size" && $2==2 && $5=="%s" && $3==%d && $4=="%s"', cue, rho, sim))
noise(cue, n) = only(sprintf('$1=="noise" && $3==1 && $5=="%s" && $10==%d', cue, n))
t(cue, rho) = only(sprintf('$1=="t" && $5=="%s" && $3==%d && $10==64', cue, rho))
way(k) = k == 1 ? size('recalled', 1, 'euclidean') : k == 2 ? size('recalled', 1, 'dot') : size('bare', k - 2, 'dot')
said = "'cue counts, distances' 'cue counts, dots' 'bare cue, rho 1' 'bare cue, rho 2'"
tint(k) = word(colours, k)
set multiplot
set yrange [-0.04:1.06]
set ytics 0, 0.2, 1
columns = 2; left = 0.07; right = 0.985; across = 0.08; down = 0.12
rows = 1; bottom = 0.64; top = 0.965; r = 1
set logscale x 2
set xrange [12:2900]
set xlabel 'stored pictures'
c = 2
@panel
set ylabel 'share of draws'
set title 'draws in perfect order (sparsemax)'
plot for [k=1:4] way(k) using 10:($12/$11) with lines lw wide(k, 4) lc rgb tint(k) notitle
c = 1
@panel
set ylabel 'order: median, quartiles'
set title 'order of the items after the cue (sparsemax)'
set key at screen 0.2, screen 0.55 left center Left reverse horizontal maxrows 1 samplen 2
plot for [k=1:4] way(k) using 10:13 with lines lw wide(k, 4) lc rgb tint(k) title word(said, k), \
     for [k=1:4] way(k) using ($10*1.03**k):14:(0):($15-$14) with vectors nohead lc rgb tint(k) notitle
bottom = 0.16; top = 0.48
@panel
set xrange [0.4:11]
set ylabel 'share of draws'
set xlabel 'standard deviation of the noise on a cue with pixels in [-1, 1]'
set title 'noisy cues: draws in perfect order (sparsemax, rho 1)'
set key at screen 0.04, screen 0.05 left center Left reverse horizontal maxrows 3 samplen 2
plot for [k=1:3] noise('recalled', 4**(k+1)) using 7:($12/$11) with lines lw wide(k, 6) lc rgb tint(k) \
         title sprintf('cue counts, %d pictures', 4**(k+1)), \
     for [k=1:3] noise('bare', 4**(k+1)) using 7:($12/$11) with lines lw wide(k + 3, 6) lc rgb tint(k + 3) \
         title sprintf('bare cue, %d pictures', 4**(k+1))
c = 2
@panel
unset logscale x
set logscale x 10
set xrange [0.5:3e8]
set format x '10^{%T}'
set mxtics default
set xlabel 't, the score of two neighbours'
set title 'transition score: draws in perfect order (sparsemax, 64 pictures)'
set key at screen 0.56, screen 0.05 left center Left reverse horizontal maxrows 2 samplen 2
plot for [k=1:2] t('recalled', k) using 8:($12/$11) with lines lw wide(k, 4) lc rgb tint(k) \
         title sprintf('cue counts, rho %d', k), \
     for [k=1:2] t('bare', k) using 8:($12/$11) with lines lw wide(k + 2, 4) lc rgb tint(k + 2) \
         title sprintf('bare cue, rho %d', k)
unset multiplot
