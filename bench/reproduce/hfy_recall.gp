# HFY Figures 4 and 6 from recall.csv
load 'panels.gp'
set terminal svg size 1100,760 font 'sans,11' background '#ffffff'
set output out.'/hfy_recall.svg'
free = "bounded sparsemax|penalised softmax|penalised 1.5-entmax|penalised sparsemax"
seq = "sequential softmax rho 1|sequential 1.5-entmax rho 1|sequential sparsemax rho 1|sequential softmax rho 2|sequential 1.5-entmax rho 2|sequential sparsemax rho 2"
pick(list, i) = system(sprintf("echo '%s' | cut -d'|' -f%d", list, i))
rows_of(against, name) = sprintf("< awk -F, '$1==\"%s\" && $2==\"%s\"' %s/recall.csv", against, name, data)
tint(k) = word(colours, k)
set multiplot
rows = 2; columns = 2; left = 0.07; right = 0.985; bottom = 0.19; top = 0.955; across = 0.08; down = 0.12
set yrange [0:1.05]
set logscale x 2
set xrange [1.7:1200]
set xlabel 'stored patterns'
set ylabel 'unique ratio'
r = 1; c = 1
@panel
set title 'free recall, beta 0.1'
plot for [k=1:4] rows_of('size', pick(free, k)) using 4:5 with lines lw wide(k, 4) lc rgb tint(k) notitle, \
     for [k=1:4] rows_of('size', pick(free, k)) using ($4*1.02**k):6:(0):($7-$6) with vectors nohead lc rgb tint(k) notitle
c = 2
@panel
set title 'sequential recall, beta 0.1'
plot for [k=1:6] rows_of('size', pick(seq, k)) using 4:5 with lines lw 1 + 1.6 * (6 - k) lc rgb tint(k) notitle, \
     for [k=1:6] rows_of('size', pick(seq, k)) using ($4*1.03**k):6:(0):($7-$6) with vectors nohead lc rgb tint(k) notitle
r = 2
@panel
set ylabel 'Levenshtein coefficient'
set key at screen 0.54, screen 0.06 left center Left reverse horizontal maxrows 2 samplen 2
plot for [k=1:6] rows_of('size', pick(seq, k)) using 4:8 with lines lw 1 + 1.6 * (6 - k) lc rgb tint(k) title pick(seq, k)[12:*], \
     for [k=1:6] rows_of('size', pick(seq, k)) using ($4*1.03**k):9:(0):($10-$9) with vectors nohead lc rgb tint(k) notitle
c = 1
@panel
set ylabel 'unique ratio'
set logscale x 10
set xrange [0.02:12]
set xlabel 'beta'
set title 'free recall, 128 patterns'
set key at screen 0.04, screen 0.06 left center Left reverse horizontal maxrows 2 samplen 2
plot for [k=1:4] rows_of('beta', pick(free, k)) using 3:5 with lines lw wide(k, 4) lc rgb tint(k) title pick(free, k), \
     for [k=1:4] rows_of('beta', pick(free, k)) using ($3*1.02**k):6:(0):($7-$6) with vectors nohead lc rgb tint(k) notitle
unset multiplot
