# Pictures of rate_figures: points are measured, lines are theory.  gnuplot -e "build='build'" rate_figures.gp
if (!exists("build")) build = 'build'
set datafile separator ','
set datafile missing NaN # a row that a picture leaves out does not break its line
set terminal svg size 1200,700 font 'sans,11'
set key tmargin center horizontal samplen 2 font ',9' # above each panel, never on its data
at(name) = build . '/rate_' . name . '.csv'
pick(c, v) = abs(column(c) - v) < 1e-6

# --- Figure 1 ---
if (system('test -f '.at('fig1').' && echo 1') eq '1') {
set output build.'/rate_fig1.svg'
set multiplot layout 2,4 title 'Figure 1: weights, storage, asymmetry (points measured, lines theory)'
set xlabel 'load'; set xtics 0.2
array PW[4] = [0.5, 1, 1, 1.5]
array SG[4] = [1, 0.1, 1, 1]
array CV[4] = [0.5, 1, 2, 4]
same(p, k) = pick(1, p) && pick(2, PW[k]) && pick(3, SG[k])
cved(p, k) = pick(1, p) && pick(4, CV[k])
set ylabel 'row sum'
plot for [k=1:4] at('fig1') using (same(0,k) ? column(5) : NaN):7 with points lc k title sprintf('n %g, s %g', PW[k], SG[k]), \
     for [k=1:4] at('fig1') using (same(0,k) ? column(5) : NaN):8 with lines lc k notitle
set ylabel 'row norm (median)'; set logscale y
plot for [k=1:4] at('fig1') using (same(0,k) ? column(5) : NaN):11 with points lc k notitle, \
     for [k=1:4] at('fig1') using (same(0,k) ? column(5) : NaN):10 with lines lc k notitle
unset logscale y
set ylabel 'stored (line), stable (points)'; set yrange [-0.05:1.05]
plot for [k=1:4] at('fig1') using (same(1,k) ? column(5) : NaN):12 with lines lc k notitle, \
     for [k=1:4] at('fig1') using (same(1,k) ? column(5) : NaN):13 with linespoints dt 3 lc k notitle
plot for [k=1:4] at('fig1') using (cved(3,k) ? column(5) : NaN):12 with lines lc k notitle, \
     for [k=1:4] at('fig1') using (cved(3,k) ? column(5) : NaN):13 with linespoints dt 3 lc k title sprintf('CV %g', CV[k])
set autoscale y
set ylabel 'row sum, n = 1.5'
plot for [k=1:4] at('fig1') using (cved(2,k) ? column(5) : NaN):7 with points lc k title sprintf('CV %g', CV[k]), \
     for [k=1:4] at('fig1') using (cved(2,k) ? column(5) : NaN):8 with lines lc k notitle
set ylabel 'row norm, n = 1.5 (median)'; set logscale y
plot for [k=1:4] at('fig1') using (cved(2,k) ? column(5) : NaN):11 with points lc k notitle, \
     for [k=1:4] at('fig1') using (cved(2,k) ? column(5) : NaN):10 with lines lc k notitle
unset logscale y
set ylabel 'asymmetry'
plot for [k=1:4] at('fig1') using (cved(3,k) ? column(5) : NaN):14 with linespoints lc k notitle
set ylabel 'Henrici index'
plot for [k=1:4] at('fig1') using (cved(3,k) ? column(5) : NaN):15 with linespoints lc k notitle
unset multiplot
set xtics auto
}

# --- Figure 1 a, f; Figure 2, inset and c-e ---
if (system('test -f '.at('fig1_activation').' && test -f '.at('fig2_errors').' && echo 1') eq '1') {
set output build.'/rate_panels.svg'
set multiplot layout 2,3 title 'Figure 1 a, f; Figure 2 a inset, c-e (densities of the errors of theory)'
array PA[4] = [0.5, 1, 1, 1.5]
array SA[4] = [1, 0.1, 1, 1]
array CA[4] = [0.5, 1, 2, 4]
set xlabel 'v'; set ylabel 'g(v)'
plot for [k=1:4] at('fig1_activation') using (pick(1,PA[k]) && pick(2,SA[k]) ? column(3) : NaN):4 with lines lc k title sprintf('n %g, s %g', PA[k], SA[k])
set xlabel 'rate'; set ylabel 'density'; set xrange [0:4]
plot for [k=1:4] at('fig1_density') using (pick(1,CA[k]) ? column(2) : NaN):3 with lines lc k title sprintf('CV %g', CA[k])
set xrange [*:*]; set xlabel 'r'; set ylabel 'phi(r)'
plot at('fig2_inset') using 1:2 with points pt 7 ps 0.3 notitle
set ylabel 'density (unscaled)'
do for [c=2:6:2] {
set xlabel (c == 2 ? 'bulk - (10)' : (c == 4 ? 'abscissa - (12)' : 'memory eigenvalue - (15)'))
plot for [k=1:4] at('fig2_errors') using (pick(1,CA[k]) ? column(c) : NaN):(1) smooth kdensity lc k notitle
}
unset multiplot
set xrange [*:*]
}

# --- Figure 2 ---
if (system('test -f '.at('fig2_points').' && echo 1') eq '1') {
set output build.'/rate_fig2.svg'
set multiplot layout 2,5 title 'Figure 2: spectra; the errors of theory (open: the paper, filled: corrected)'
set xlabel 'Re'; set ylabel 'Im'; set yrange [-0.35:0.35]; set xtics 0.5
do for [s=0:5] {
plot at('fig2_points') using (pick(1,s) ? column(2) : NaN):3 with dots lc 'gray30' notitle, \
     at('fig2_marks') using (pick(1,s) ? column(7) : NaN):(0) with points pt 9 lc 'blue' title (s ? '' : 'bulk'), \
     at('fig2_marks') using (pick(1,s) ? column(8) : NaN):(0) with points pt 9 lc 'orange' title (s ? '' : 'memory'), \
     at('fig2_marks') using (pick(1,s) ? column(9) : NaN):(0) with points pt 9 lc 'green' title (s ? '' : 'average'), \
     at('fig2_marks') using (pick(1,s) ? column(10) : NaN):(0.3) with points pt 11 lc 'blue' title (s ? '' : 'corrected edge'), \
     at('fig2_marks') using (pick(1,s) ? column(11) : NaN):(0.3) with points pt 11 lc 'red' title (s ? '' : 'corrected outlier')
}
set xtics auto; set logscale x 2; set xrange [0.4:5]; set xlabel 'CV'; set yrange [-0.5:0.5]
set ylabel 'bulk, measured - theory'
plot at('fig2_errors') using 1:2 with points pt 6 lc 1 notitle, '' using ($1*1.08):3 with points pt 7 ps 0.5 lc 2 notitle, 0 lc 'gray' notitle
set ylabel 'average, measured - theory'
plot at('fig2_errors') using 1:4 with points pt 6 lc 1 notitle, '' using ($1*1.08):5 with points pt 7 ps 0.5 lc 2 notitle, 0 lc 'gray' notitle
set ylabel 'memory, measured - theory'
plot at('fig2_errors') using 1:6 with points pt 6 lc 1 notitle, 0 lc 'gray' notitle
unset multiplot
unset logscale x; set autoscale
}

# --- Figure 3 ---
if (system('test -f '.at('fig3_theory').' && echo 1') eq '1') {
set output build.'/rate_fig3.svg'
set multiplot layout 2,3 title 'Figure 3: predicted critical load; rings: measured (size = load), plus and cross: best of both'
set xlabel 'exponent n'; set ylabel 'smoothness'; set logscale y; set cbrange [0:0.7]
array C3[5] = [0.5, 1, 2, 3, 4]
do for [k=1:5] {
set title sprintf('CV %g', C3[k])
plot at('fig3_theory') using (pick(1,C3[k]) ? column(2) : NaN):3:4 with points pt 5 ps 0.7 palette notitle, \
     at('fig3_measured') using (pick(1,C3[k]) ? column(2) : NaN):3:(0.3+6*$4) with points pt 6 ps variable lw 2 lc 'red' notitle, \
     at('fig3_optima') using (pick(1,C3[k]) ? column(2) : NaN):3 with points pt 1 lw 2 lc 'black' notitle, \
     at('fig3_optima') using (pick(1,C3[k]) && column(7) > 0 ? column(5) : NaN):6 with points pt 2 lw 2 lc 'black' notitle
}
unset multiplot
unset title; unset logscale y
}

# --- Figure 4 ---
if (system('test -f '.at('fig4_best').' && echo 1') eq '1') {
set output build.'/rate_fig4.svg'
set multiplot layout 2,2 title 'Figure 4: the best unit'
set xlabel 'CV'; set logscale x 2
set ylabel 'best exponent'; plot at('fig4_best') using 1:2 with linespoints notitle
set ylabel 'best smoothness'; plot at('fig4_best') using 1:3 with linespoints notitle
set ylabel 'critical load'
plot at('fig4_best') using 1:4 with lines title 'paper', '' using 1:7 with lines title 'corrected', '' using 1:6 with points pt 7 title 'measured'
unset logscale x; set xlabel 'load'; set ylabel 'best threshold (line: -<h>)'
array C4[3] = [0.5, 1, 2]
plot for [k=1:3] at('fig4_theta') using (pick(1,C4[k]) ? column(2) : NaN):3 with points lc k title sprintf('CV %g', C4[k]), \
     for [k=1:3] at('fig4_theta') using (pick(1,C4[k]) ? column(2) : NaN):4 with lines lc k notitle
unset multiplot
}

# --- Figure 5 ---
if (system('test -f '.at('fig5_moments').' && echo 1') eq '1') {
set output build.'/rate_fig5.svg'
set multiplot layout 2,2 title 'Figure 5: sparse patterns (points measured, lines replica theory)'
array F5[3] = [0.8, 0.5, 0.2]
biggest = system("awk -F, 'NR > 1 && $10 > m { m = $10 } END { print m }' ".at('fig5_moments')) + 0
big(k) = pick(1, F5[k]) && pick(10, biggest)
set xlabel 'load'
set ylabel 'row sum'
plot for [k=1:3] at('fig5_moments') using (big(k) && column(9) > 0 ? column(2) : NaN):4 with points lc k title sprintf('f %g', F5[k]), \
     for [k=1:3] at('fig5_moments') using (big(k) && column(2) < column(3) ? column(2) : NaN):5 with lines lc k notitle
set ylabel 'row norm (median)'; set logscale y
plot for [k=1:3] at('fig5_moments') using (big(k) && column(9) > 0 ? column(2) : NaN):7 with points lc k notitle, \
     for [k=1:3] at('fig5_moments') using (big(k) && column(2) < column(3) ? column(2) : NaN):8 with lines lc k notitle
unset logscale y
set xlabel 'load / capacity'; set ylabel 'rows with a solution (dashed: half as many units)'
plot for [k=1:3] at('fig5_moments') using (big(k) ? column(2)/column(3) : NaN):9 with linespoints lc k notitle, \
     for [k=1:3] at('fig5_moments') using (pick(1,F5[k]) && !pick(10,biggest) ? column(2)/column(3) : NaN):9 with lines dt 2 lc k notitle
set xlabel 'f'; set ylabel 'capacity'; set logscale xy
plot at('fig5_capacity') using 1:2 with lines title 'replica', '' using ($4 > 0 ? $1 : NaN):4 with lines dt 2 title '1/(2 f ln 1/f)'
unset logscale xy
unset multiplot
}

# --- Figure 6 ---
if (system('test -f '.at('fig6_curves').' && echo 1') eq '1') {
set output build.'/rate_fig6.svg'
set multiplot layout 2,3 title 'Figure 6: stability of sparse patterns (measured)'
array F6[3] = [1, 0.5, 0.2]
biggest = system("awk -F, 'NR > 1 && $2 > m { m = $2 } END { print m }' ".at('fig6_curves')) + 0
large(k) = pick(1, F6[k]) && pick(2, biggest)
set xlabel 'load'
set ylabel 'abscissa < 0 (dashed: half the units; points: stable, with a margin)'; set yrange [-0.05:1.05]
plot for [k=1:3] at('fig6_curves') using (large(k) ? column(3) : NaN):4 with linespoints lc k title sprintf('f %g', F6[k]), \
     for [k=1:3] at('fig6_curves') using (pick(1,F6[k]) && !pick(2,biggest) ? column(3) : NaN):4 with lines dt 2 lc k notitle, \
     for [k=1:3] at('fig6_curves') using (large(k) ? column(3) : NaN):9 with points pt 6 lc k notitle
set autoscale y
set ylabel 'best threshold'; plot for [k=1:3] at('fig6_curves') using (large(k) ? column(3) : NaN):5 with linespoints lc k notitle
set ylabel 'mean abscissa'; plot for [k=1:3] at('fig6_curves') using (large(k) ? column(3) : NaN):6 with linespoints lc k notitle
set xlabel 'exponent n'; set ylabel 'critical load'
array C6[3] = [0.5, 1, 2]
do for [c=1:3] {
set title sprintf('CV %g', C6[c])
plot for [k=2:3] at('fig6_loads') using (pick(1,C6[c]) && pick(3,F6[k]) ? column(2) : NaN):4 with linespoints lc k title sprintf('f %g', F6[k]), \
     for [k=2:3] at('fig6_loads') using (pick(1,C6[c]) && pick(3,F6[k]) ? column(2) : NaN):5 with points pt 6 lc k notitle
}
unset title
unset multiplot
}

# --- Figure 7 ---
if (system('test -f '.at('fig7_points').' && echo 1') eq '1') {
set output build.'/rate_fig7.svg'
set multiplot layout 3,4 title 'Figure 7: X Y+ of paired Gaussians, and the disc of eq. 21'
array A7[3] = [0.2, 0.5, 0.8]
array T7[4] = [-0.5, 0, 0.5, 0.9]
unset key; unset xlabel; unset ylabel; set size ratio -1
do for [a=1:3] { do for [t=1:4] {
set title sprintf('load %g, tau %g', A7[a], T7[t])
plot at('fig7_points') using (pick(1,A7[a]) && pick(2,T7[t]) ? column(3) : NaN):4 with dots lc 'gray30', \
     at('fig7_discs') using (pick(1,A7[a]) && pick(2,T7[t]) ? column(3) : NaN):(0):4 with circles lc 'orange' fillstyle empty
} }
unset title; set size noratio; set key
unset multiplot
}

# --- Figure 8 ---
if (system('test -f '.at('fig8_pairs').' && echo 1') eq '1') {
set output build.'/rate_fig8.svg'
set multiplot layout 1,3 title 'Figure 8: predicted against measured critical loads; best thresholds'
array C8[4] = [0.5, 1, 2, 4]
set xlabel 'measured'; set ylabel 'predicted (eq. 19)'; set xrange [0:0.7]; set yrange [0:0.7]
plot for [k=1:4] at('fig8_pairs') using (pick(1,C8[k]) ? column(6) : NaN):4 with points pt 7 lc k title sprintf('CV %g', C8[k]), x lc 'gray' notitle
set ylabel 'predicted (corrected)'
plot for [k=1:4] at('fig8_pairs') using (pick(1,C8[k]) ? column(6) : NaN):5 with points pt 7 lc k notitle, x lc 'gray' notitle
set autoscale; set xlabel 'best threshold (eq. 16)'; set ylabel 'density'
plot for [k=1:4] at('fig8_theta') using (pick(1,C8[k]) ? column(2) : NaN):(1) smooth kdensity lc k notitle
unset multiplot
}
