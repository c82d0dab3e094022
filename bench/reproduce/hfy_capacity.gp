# HFY Figures 11 and 14 (hfy_capacity.svg, hfy_capacity_posts.svg) and 12 (hfy_noise.svg) from capacity.csv and noise.csv
set datafile separator ','
set terminal svg size 900,620 font 'sans,11' background '#ffffff'
set key outside right
set yrange [-0.03:1.05]
set ylabel 'success (cosine > 0.9)'
set style data linespoints
set pointsize 0.5
main = "classical|power 10|exp|softmax|1.5-entmax|sparsemax|2-normmax|5-normmax|sparsemax norm|sparsemax lnorm"
named(i) = system(sprintf("echo '%s' | cut -d'|' -f%d", main, i))
rows(file, beta, i) = sprintf("< awk -F, '$1==%s && $2==\"%s\"' %s/%s", beta, named(i), data, file)
set output out.'/hfy_capacity.svg'
set multiplot layout 2,1
set logscale x 2
set xlabel 'stored patterns'
set title 'beta = 1'
plot for [i=1:8] rows('capacity.csv', '1', i) using 3:4:5:6 with yerrorlines lc i pt 7 ps 0.4 title named(i), \
     for [i=9:10] rows('capacity.csv', '1', i) using 3:4:5:6 with yerrorlines lc i dt 3 pt 6 ps 0.6 title named(i)
set title 'beta = 0.1'
plot for [i=1:8] rows('capacity.csv', '0.1', i) using 3:4:5:6 with yerrorlines lc i pt 7 ps 0.4 title named(i), \
     for [i=9:10] rows('capacity.csv', '0.1', i) using 3:4:5:6 with yerrorlines lc i dt 3 pt 6 ps 0.6 title named(i)
unset multiplot
set output out.'/hfy_noise.svg'
set multiplot layout 2,1
unset logscale x
set xlabel 'standard deviation of the noise, 100 patterns stored'
set title 'beta = 1'
plot for [i=1:8] rows('noise.csv', '1', i) using 3:4:5:6 with yerrorlines lc i pt 7 ps 0.4 title named(i), \
     for [i=9:10] rows('noise.csv', '1', i) using 3:4:5:6 with yerrorlines lc i dt 3 pt 6 ps 0.6 title named(i)
set title 'beta = 0.1'
plot for [i=1:8] rows('noise.csv', '0.1', i) using 3:4:5:6 with yerrorlines lc i pt 7 ps 0.4 title named(i), \
     for [i=9:10] rows('noise.csv', '0.1', i) using 3:4:5:6 with yerrorlines lc i dt 3 pt 6 ps 0.6 title named(i)
unset multiplot
set output out.'/hfy_capacity_posts.svg'
set terminal svg size 900,760 font 'sans,11' background '#ffffff'
set multiplot layout 3,1
set logscale x 2
set xlabel 'stored patterns'
omegas = "softmax 1.5-entmax sparsemax 2-normmax 5-normmax"
do for [post in '- norm lnorm'] {
    tail = post eq '-' ? '' : ' '.post
    set title post eq '-' ? 'no post-transformation, beta 1' : post eq 'norm' ? 'unit length, beta 20' : 'layer norm, beta 1'
    plot for [w in omegas] sprintf("< awk -F, '$1==1 && $2==\"%s\"' %s/capacity.csv", w.tail, data) \
        using 3:4:5:6 with yerrorlines pt 7 ps 0.4 title w
}
unset multiplot
