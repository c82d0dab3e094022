# HFY Figures 4 and 6 from recall.csv. Lines that lie on one another are moved a few per cent apart along x.
set datafile separator ','
set terminal svg size 1100,700 font 'sans,11' background '#ffffff'
set output out.'/hfy_recall.svg'
set key bottom left
set pointsize 0.5
set yrange [0:1.05]
free = "bounded sparsemax|penalised softmax|penalised 1.5-entmax|penalised sparsemax"
seq = "sequential softmax rho 1|sequential 1.5-entmax rho 1|sequential sparsemax rho 1|sequential softmax rho 2|sequential 1.5-entmax rho 2|sequential sparsemax rho 2"
apart(x, i, n) = x * 1.05**(i - (n + 1) / 2.0)
pick(list, i) = system(sprintf("echo '%s' | cut -d'|' -f%d", list, i))
rows(against, name) = sprintf("< awk -F, '$1==\"%s\" && $2==\"%s\"' %s/recall.csv", against, name, data)
set multiplot layout 2,2
set logscale x 2
set xrange [1.7:1200]
set xlabel 'stored patterns'
set ylabel 'unique ratio'
set title 'free recall, beta 0.1'
plot for [i=1:4] rows('size', pick(free, i)) using (apart($4, i, 4)):5:6:7 with yerrorlines pt 7 title pick(free, i)
set title 'sequential recall, beta 0.1'
plot for [i=1:6] rows('size', pick(seq, i)) using (apart($4, i, 6)):5:6:7 with yerrorlines pt 7 title pick(seq, i)
set logscale x 10
set xrange [0.02:12]
set xlabel 'beta'
set key bottom right
set title 'free recall, 128 patterns'
plot for [i=1:4] rows('beta', pick(free, i)) using (apart($3, i, 4)):5:6:7 with yerrorlines pt 7 title pick(free, i)
set logscale x 2
set xrange [1.7:1200]
set xlabel 'stored patterns'
set ylabel 'Levenshtein coefficient'
unset key
set title 'sequential recall, beta 0.1'
plot for [i=1:6] rows('size', pick(seq, i)) using (apart($4, i, 6)):8:9:10 with yerrorlines pt 7 title pick(seq, i)
unset multiplot
