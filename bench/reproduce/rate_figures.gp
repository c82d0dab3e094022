# Pictures of rate_figures.c: build/rate_*.csv to out/rate_fig*. gnuplot -e "build='build'; out='build'" rate_figures.gp
# Points are measured (the mean of all problems of the largest networks in the table, or of `units`), lines are theory.
load 'panels.gp'
frame = panel.'; set border front; set tics in' # curves that leave through a side do not break it
if (!exists("build")) build = 'build'
if (!exists("out")) out = build
if (!exists("units")) units = 0
at(name) = build . '/rate_' . name . '.csv'
is(name) = system('test -s '.at(name).' && echo 1') eq '1'
# the largest value of a column where `when` holds (awk), at most `units`
top(name, column, when) = system(sprintf("awk -F, 'NR > 1 && (%s) && (!%g || $%d <= %g) && $%d+0 > m { m = $%d } END { print m+0 }' %s", when, units, column, units, column, column, at(name))) + 0
# x, mean of y, lowest, highest over the rows where `when` holds
mean(name, when, x, y) = sprintf("< awk -F, 'NR > 1 && (%s) && $%d !~ /nan/ { if (!n[$%d]++) { l[$%d] = h[$%d] = $%d } s[$%d] += $%d; if ($%d+0 < l[$%d]+0) l[$%d] = $%d; if ($%d+0 > h[$%d]+0) h[$%d] = $%d } END { for (x in n) print x \",\" s[x]/n[x] \",\" l[x] \",\" h[x] }' %s | sort -t, -k1g", when, y, x, x, x, y, x, y, y, x, x, y, y, x, x, y, at(name))
# the largest networks of a table whose name ends in their size, or 0
largest(name) = system("(ls ".build."; echo rate_".name."_0.csv) | sed -n 's/^rate_".name."_\\([0-9]*\\).csv$/\\1/p' | sort -rn | head -1") + 0
colour(k) = word(colours, k)
thick(k) = 1.5 + 3 * (4 - k) # curves on one another
sparse(k) = word('#8c510a #e69f00 #222222', k)
other(k) = word('#8c510a #e69f00 #7b3294 #666666', k)
array PW[4] = [0.5, 1, 1, 1.5]
array SG[4] = [1, 0.1, 1, 1]
array CV[4] = [0.5, 1, 2, 4]
one(k) = sprintf('n = %g, σ = %g', PW[k], SG[k])
key(k) = sprintf('CV %g', CV[k])
png(w, h) = sprintf("set terminal pngcairo size %d,%d font 'sans,10'", w, h)

# --- Figure 1: units above, patterns below ---
if (is('fig1')) {
eval png(1500, 720)
set output out.'/rate_fig1.png'
n1 = top('fig1', 5, '1')
set multiplot title sprintf('Figure 1: weights, storage, asymmetry (N = %d; points measured, lines theory)', n1)
rows = 2; columns = 5; left = 0.04; right = 0.995; bottom = 0.12; top = 0.87; across = 0.042; down = 0.21
by(k) = sprintf('$5==%d && $1==%g && $2==%g', n1, PW[k], SG[k])
cv(k, p) = sprintf('$5==%d && $1==%g && $2==1 && $3==%g', n1, p, CV[k])
r = 1; c = 1; @frame
set xlabel 'v' offset 0,0.5; set title 'a: g(v)'; set yrange [0:3]
plot for [k=1:4] at('fig1_activation') using ($1==PW[k] && $2==SG[k] ? $3 : NaN):4 with lines lw 2 lc rgb colour(k)
set xlabel 'load' offset 0,0.5; set autoscale y
c = 2; @frame
set title 'b: row sum (crosses: measured)'
plot for [k=1:4] mean('fig1', by(k).' && $3==1', 4, 9) using 1:2 with lines lw 1.5 + 2 * (4 - k) lc rgb colour(k), \
     for [k=1:4] mean('fig1', by(k).' && $3==1', 4, 8) using 1:2 with points pt 2 ps 0.5 lc rgb 'gray30'
c = 3; @frame
set title 'c: row norm (median), CV 1'; set logscale y
plot for [k=1:4] mean('fig1', by(k).' && $3==1', 4, 11) using 1:2 with lines lw 2 lc rgb colour(k), \
     for [k=1:4] mean('fig1', by(k).' && $3==1', 4, 12) using 1:2 with points pt 7 ps 0.5 lc rgb colour(k)
unset logscale y
c = 4; @frame
set title 'd: stored (dashed), stable, CV 2'; set yrange [-0.05:1.05]
plot for [k=1:4] mean('fig1', by(k).' && $3==2', 4, 13) using 1:2 with lines dt 2 lw 1 lc rgb 'gray30', \
     for [k=1:4] mean('fig1', by(k).' && $3==2', 4, 14) using 1:2 with lines lw thick(k) lc rgb colour(k)
c = 5; @frame
set title 'e: asymmetry (dashed), Henrici'
plot for [k=1:4] mean('fig1', by(k).' && $3==1', 4, 15) using 1:2 with lines dt 2 lw 2 lc rgb colour(k), \
     for [k=1:4] mean('fig1', by(k).' && $3==1', 4, 16) using 1:2 with linespoints pt 7 ps 0.5 lw 2 lc rgb colour(k)
set autoscale y
r = 2; c = 1; @frame
set title 'f: density of rates'; set xlabel 'rate'; set logscale xy; set yrange [1e-4:]; set format x '10^{%T}'; set format y '10^{%T}'
plot for [k=1:4] at('fig1_density') using ($1==CV[k] ? $2 : NaN):3 with lines lw 2 lc rgb colour(k)
unset logscale; set format x '%g'; set format y '%g'; set xlabel 'load'; set autoscale y
c = 2; @frame
set title 'g: row sum, n = 1.5 (crosses)'
plot for [k=1:4] mean('fig1', cv(k, 1.5), 4, 9) using 1:2 with lines lw 1.5 + 2 * (4 - k) lc rgb colour(k), \
     for [k=1:4] mean('fig1', cv(k, 1.5), 4, 8) using 1:2 with points pt 2 ps 0.5 lc rgb 'gray30'
c = 3; @frame
set title 'h: row norm (median), n = 1.5'; set logscale y
plot for [k=1:4] mean('fig1', cv(k, 1.5), 4, 11) using 1:2 with lines lw 2 lc rgb colour(k), \
     for [k=1:4] mean('fig1', cv(k, 1.5), 4, 12) using 1:2 with points pt 7 ps 0.5 lc rgb colour(k)
unset logscale y
c = 4; @frame
set title 'i: stored (dashed), stable, n = 1'; set yrange [-0.05:1.05]
plot for [k=1:4] mean('fig1', cv(k, 1), 4, 13) using 1:2 with lines dt 2 lw 1 lc rgb 'gray30', \
     for [k=1:4] mean('fig1', cv(k, 1), 4, 14) using 1:2 with lines lw thick(k) lc rgb colour(k)
c = 5; @frame
set title 'j: asymmetry (dashed), Henrici'
plot for [k=1:4] mean('fig1', cv(k, 1), 4, 15) using 1:2 with lines dt 2 lw 2 lc rgb colour(k), \
     for [k=1:4] mean('fig1', cv(k, 1), 4, 16) using 1:2 with linespoints pt 7 ps 0.5 lw 2 lc rgb colour(k)
low = 0.475; high = 0.525
@legend
plot for [k=1:4] NaN with lines lw 2 lc rgb colour(k) title one(k)
low = 0.005; high = 0.05
@legend
plot for [k=1:4] NaN with lines lw 2 lc rgb colour(k) title key(k)
unset multiplot
@again
}

# --- Figure 2 ---
if (is('fig2_points')) {
eval png(1300, 600)
set output out.'/rate_fig2.png'
set multiplot title 'Figure 2 a, b: spectra at ten patterns of one network each, with what theory marks (N = 500)'
rows = 2; columns = 4; left = 0.04; right = 0.99; bottom = 0.15; top = 0.88; across = 0.045; down = 0.14
array said[6] = ['(1, 1, 1), load 0.3', '(1, 1, 2), load 0.3', '(1.5, 0.5, 1), load 0.1', '(1.5, 0.5, 1), load 0.1, θ* + 1', '(0.9, 1, 1), load 0.3', '(1.5, 0.5, 1), load 0.1, θ* − 2']
set xlabel 'Re λ' offset 0,0.5; set xtics 0.5; set ytics 0.02
do for [s=0:5] {
r = 1 + s / 4; c = 1 + s % 4; @frame
set title (s == 0 ? '(n, σ, CV) = ' : '').said[s + 1] offset 0,-0.5
plot at('fig2_points') using ($1==s ? $2 : NaN):3 with dots lc rgb 'gray30', \
     at('fig2_marks') using ($1==s ? $7 : NaN):(0) with impulses lw 2 lc rgb colour(2), \
     at('fig2_marks') using ($1==s ? $7 : NaN):(0) with points pt 7 ps 0.9 lc rgb colour(2), \
     at('fig2_marks') using ($1==s ? $8 : NaN):(0) with points pt 9 ps 1.3 lc rgb colour(6), \
     at('fig2_marks') using ($1==s ? $9 : NaN):(0) with points pt 13 ps 1.3 lc rgb colour(3), \
     at('fig2_marks') using ($1==s ? $10 : NaN):(0) with points pt 6 ps 1.5 lw 2 lc rgb colour(4)
}
r = 2; c = 3; @frame
set title 'inset of a: φ(r) against r'; set xlabel 'r'; set xtics auto; set ytics auto
plot at('fig2_inset') using 1:2 with points pt 7 ps 0.3 lc rgb 'gray30'
low = 0.01; high = 0.06
@legend
plot NaN with points pt 7 ps 0.9 lc rgb colour(2) title 'λ_{bulk} (10)', NaN with points pt 9 ps 1.3 lc rgb colour(6) title 'λ_{mem} (15)', \
     NaN with points pt 13 ps 1.3 lc rgb colour(3) title 'λ_{ave} (12)', NaN with points pt 6 ps 1.5 lw 2 lc rgb colour(4) title 'corrected edge'
unset multiplot
@again
}

# --- Figure 2 c-e ---
if (is('fig2_errors')) {
eval png(1100, 620)
set output out.'/rate_fig2_errors.png'
set multiplot title 'Figure 2 c-e: densities of measured less predicted eigenvalues (N = 500, 60 random units a CV)'
rows = 2; columns = 3; left = 0.05; right = 0.99; bottom = 0.15; top = 0.89; across = 0.05; down = 0.17
array names[6] = ['c: bulk less (10)', 'd: abscissa where λ_{ave} leads, less (12)', 'e: memory eigenvalue less (15)', 'not in the paper: bulk less the corrected edge', 'abscissa less the corrected outlier', '']
array column_of[5] = [4, 6, 8, 5, 7]
set samples 300; set xlabel 'difference' offset 0,0.5
do for [j=1:5] {
r = 1 + (j - 1) / 3; c = 1 + (j - 1) % 3; @frame
set title names[j]; set xrange [(j == 3 ? -0.15 : -0.2):(j == 3 ? 0.15 : 0.6)]; set yrange [-1:*]
plot for [k=1:4] at('fig2_errors') using ($1==CV[k] ? column(column_of[j]) : NaN):(1.0/60) smooth kdensity bandwidth (j == 3 ? 0.01 : 0.02) with lines lw 2 lc rgb colour(k)
}
low = 0.005; high = 0.06
@legend
plot for [k=1:4] NaN with lines lw 2 lc rgb colour(k) title key(k)
unset multiplot
@again
}

# --- Figure 3 ---
if (is('fig3_measured')) {
eval png(1300, 780)
set output out.'/rate_fig3.png'
n3 = top('fig3_measured', 5, '1')
set multiplot title sprintf('Figure 3: predicted load (19), colour; measured at N = %d, discs (size = load; x: below 0.02)', n3)
rows = 2; columns = 3; left = 0.05; right = 0.99; bottom = 0.14; top = 0.91; across = 0.05; down = 0.12
array C3[5] = [0.5, 1, 2, 3, 4]
# where a column changes its sign along n
border(cv, j) = sprintf("< awk -F, 'NR > 1 && $1==%g { if (($3 in v) && (v[$3] > 0) != ($%d > 0)) print $2 \",\" $3; v[$3] = $%d }' %s", cv, j, j, at('fig3_theory'))
set palette defined (0 'white', 0.01 '#eaf3fa', 0.7 '#0b4a75') maxcolors 35; set cbrange [0:0.7]
do for [k=1:5] {
r = 1 + (k - 1) / 3; c = 1 + (k - 1) % 3; @frame
set title sprintf('CV %g', C3[k]); set xrange [0.6:1.6]; set yrange [0.01:31]; set logscale y; set format y '%g'
set xlabel 'exponent n' offset 0,0.5; set ylabel (c == 1 ? 'smoothness σ' : ''); unset colorbox
plot at('fig3_theory') using ($1==C3[k] && $4 > 0 ? $2 : NaN):3:4 with points pt 5 ps 0.75 palette, \
     for [j=5:6] border(C3[k], j) using 1:2 with points pt 7 ps 0.25 lc rgb colour(j - 3), \
     at('fig3_measured') using ($1==C3[k] && $7 > 0.02 ? $2 : NaN):3:(0.3+5*$7) with points pt 7 ps variable lc rgb colour(6), \
     at('fig3_measured') using ($1==C3[k] && $7 <= 0.02 ? $2 : NaN):3 with points pt 2 ps 0.5 lc rgb 'gray65', \
     sprintf("< awk -F, '$1==%g && $4 > m { m = $4; p = $2; s = $3 } END { print p \",\" s }' %s", C3[k], at('fig3_theory')) using 1:2 with points pt 1 ps 1.6 lw 3 lc rgb 'black', \
     sprintf("< awk -F, '$1==%g && $7 > m { m = $7; p = $2; s = $3 } END { print p \",\" s }' %s", C3[k], at(sprintf('search_%d', largest('search')))) using 1:2 with points pt 2 ps 1.6 lw 3 lc rgb colour(1)
}
r = 2; c = 3; @frame
unset title; unset logscale y; unset xlabel; unset ylabel; unset tics; unset border; set xrange [0:1]; set yrange [0:1]
set colorbox user origin screen 0.94,0.17 size screen 0.015,0.25 vertical; set cbtics 0.2; set cblabel 'predicted load'
set key default; set key inside left top vertical maxrows 6 Left reverse samplen 1 maxcols 1
plot '+' using (-1):(0):(0) with points pt 5 ps 0 palette notitle, NaN with points pt 7 ps 2 lc rgb colour(6) title 'measured (this size: 0.3)', NaN with points pt 2 ps 0.5 lc rgb 'gray65' title 'measured: below 0.02', \
     NaN with points pt 7 ps 0.6 lc rgb colour(2) title 'λ_{bulk} = 0 as the load goes to 0', NaN with points pt 7 ps 0.6 lc rgb colour(3) title 'λ_{mem} = 0', NaN with points pt 1 ps 1.6 lw 3 lc rgb 'black' title 'largest predicted', NaN with points pt 2 ps 1.6 lw 3 lc rgb colour(1) title 'largest measured (searched)'
unset multiplot
@again
set logscale y; unset logscale y
}

# --- Figure 4 ---
if (is('fig4_best') && largest('search')) {
eval png(1200, 380)
set output out.'/rate_fig4.png'
n4 = largest('search'); more = largest('anew')
set multiplot title 'Figure 4: the best unit by (19) and by search of networks; thresholds at the best unit of (19)'
rows = 1; columns = 4; left = 0.045; right = 0.99; bottom = 0.3; top = 0.83; across = 0.05; down = 0
# cv, a column of the row with the largest load, that load less and more its error
found(name, column, when) = sprintf("< awk -F, 'NR > 1 && (%s) { if (!($1 in m) || $7 > m[$1]) { m[$1] = $7; x[$1] = $%d; l[$1] = $7 - $8; h[$1] = $7 + $8 } } END { for (c in m) print c \",\" x[c] \",\" l[c] \",\" h[c] }' %s | sort -t, -k1g", when, column, at(name))
search = sprintf('search_%d', n4); anew = more ? sprintf('anew_%d', more) : search; optima = sprintf('optima_%d', n4)
set xlabel 'CV' offset 0,0.5; set logscale x 2; set xrange [0.4:5]
r = 1; c = 1; @frame
set title 'a: exponent'; set yrange [0.9:1.15]
plot at('fig4_best') using 1:2 with linespoints pt 1 lw 2 lc rgb 'black', found(search, 2, '1') using 1:2 with linespoints pt 7 lw 2 lc rgb colour(2)
c = 2; @frame
set title 'b: smoothness'; set logscale y; set yrange [0.2:5]
plot at('fig4_best') using 1:3 with linespoints pt 1 lw 2 lc rgb 'black', found(search, 3, '1') using 1:2 with linespoints pt 7 lw 2 lc rgb colour(2)
c = 3; @frame
set title 'c: critical load'; unset logscale y; set yrange [-0.02:0.8]
plot at('fig4_best') using 1:4 with linespoints pt 1 lw 2 lc rgb 'black', \
     found(search, 7, '1') using 1:2 with lines lw 2 lc rgb colour(2), found(search, 7, '1') using 1:2:3:4 with yerrorbars pt 7 lw 2 lc rgb colour(2), \
     found(optima, 7, '1') using 1:2 with lines lw 2 lc rgb colour(1), found(optima, 7, '1') using 1:2:3:4 with yerrorbars pt 7 lw 2 lc rgb colour(1), \
     for [j=1:(more ? 1 : 0)] found(anew, 7, '!$9') using 1:2:3:4 with yerrorbars pt 9 ps 1.3 lw 1 lc rgb colour(3), \
     for [j=1:(more ? 1 : 0)] found(anew, 7, '$9') using 1:2:3:4 with yerrorbars pt 9 ps 1.3 lw 1 lc rgb colour(4)
c = 4; @frame
unset logscale x; set xrange [0:0.75]; set xlabel 'load'; set title 'd: best threshold'; set yrange [-3.3:1.5]
plot for [k=1:4] mean('fig4_theta', sprintf('$1==%g && $3==%d', CV[k], top('fig4_theta', 3, '1')), 2, 5) using 1:2 with linespoints pt 7 ps 0.5 lw 7 - 1.5 * k lc rgb other(k)
low = 0.09; high = 0.17
@legend
plot NaN with linespoints pt 1 lw 2 lc rgb 'black' title 'predicted, (19)', NaN with linespoints pt 7 lw 2 lc rgb colour(2) title sprintf('searched, N = %d', n4), \
     NaN with linespoints pt 7 lw 2 lc rgb colour(1) title 'measured at the predicted unit', \
     for [j=1:(more ? 1 : 0)] NaN with points pt 9 ps 1.3 lc rgb colour(3) title sprintf('searched, N = %d', more), \
     for [j=1:(more ? 1 : 0)] NaN with points pt 9 ps 1.3 lc rgb colour(4) title sprintf('predicted, N = %d', more)
low = 0.005; high = 0.08
@legend
plot for [k=1:4] NaN with linespoints pt 7 ps 0.5 lw 3 lc rgb other(k) title 'd: '.key(k)
unset multiplot
@again
}

# --- Figure 5 ---
if (is('fig5')) {
eval png(1200, 640)
set output out.'/rate_fig5.png'
n5 = top('fig5', 5, '1')
set multiplot title sprintf('Figure 5: sparse patterns (N = %d; points measured, lines replica theory)', n5)
rows = 2; columns = 4; left = 0.05; right = 0.99; bottom = 0.13; top = 0.88; across = 0.05; down = 0.21
array F5[3] = [0.8, 0.5, 0.2]
array P5[4] = [0.5, 1, 1.5, 2]
f5(k, n) = sprintf('$1==1 && $2==1 && $3==%g && $5==%d', F5[k], n)
r = 1; c = 1; @frame
set title 'a: density of active rates (f = 0.5)'; set xlabel 'rate' offset 0,0.5; set logscale xy; set yrange [1e-4:10]; set format x '10^{%T}'; set format y '10^{%T}'
plot for [k=1:4] at('fig5_density') using ($1==CV[k] ? $2 : NaN):3 with lines lw 2 lc rgb colour(k)
unset logscale; set format x '%g'; set format y '%g'
c = 2; @frame
set title 'b: g(v - θ), θ = 0.5, n = 0.5 to 2'; set xlabel 'v'; set yrange [0:3]
plot for [k=1:4] at('fig5_activation') using ($1==P5[k] ? $2 : NaN):3 with lines lw 2 lc rgb 'gray30'
set xlabel 'load'; set autoscale y
c = 3; @frame
set title 'c: row sum'; set yrange [-20:5]
plot for [k=1:3] mean('fig5', f5(k, n5).' && $4 < 0.95', 8, 10) using 1:2 with lines lw 2 lc rgb sparse(k), \
     for [k=1:3] mean('fig5', f5(k, n5), 8, 9) using 1:2 with points pt 7 ps 0.5 lc rgb sparse(k)
c = 4; @frame
set title 'd: row norm (median)'; set logscale y; set yrange [0.1:300]
plot for [k=1:3] mean('fig5', f5(k, n5).' && $4 < 0.95', 8, 13) using 1:2 with lines lw 2 lc rgb sparse(k), \
     for [k=1:3] mean('fig5', f5(k, n5), 8, 12) using 1:2 with points pt 7 ps 0.5 lc rgb sparse(k)
unset logscale y
r = 2; c = 1; @frame
set title 'e: rows stored'; set yrange [-0.05:1.05]
set for [k=1:3] arrow k from (k == 1 ? 1.1199 : k == 2 ? 1.4375 : 2.4396), graph 0 rto 0, graph 1 nohead dt 3 lc rgb 'gray50'
plot for [k=1:3] mean('fig5', f5(k, n5), 8, 14) using 1:2 with linespoints pt 7 ps 0.5 lw 2 lc rgb sparse(k)
unset arrow
c = 2; @frame
set title sprintf('f: rows stored, f = 0.5; N = %d, %d, %d', n5, n5 / 2, n5 / 4)
plot for [k=1:3] mean('fig5', f5(2, n5 * 2 / 2**k), 8, 14) using 1:2 with linespoints pt 7 ps 0.4 dt k lw 2 lc rgb sparse(2)
c = 3; @frame
set title sprintf('f, insets: n 0.5, 2, CV 0.5, 2; N = %d', n5 / 2)
array S5[4] = ['$1==0.5 && $2==1', '$1==2 && $2==1', '$1==1 && $2==0.5', '$1==1 && $2==2']
plot for [k=1:4] mean('fig5', S5[k].sprintf(' && $3==0.5 && $5==%d', n5 / 2), 8, 14) using 1:2 with points pt 2 * k + 2 ps 1.1 lw 1.5 lc rgb 'gray30'
c = 4; @frame
set title 'g: capacity'; set xlabel 'f'; set logscale xy; set autoscale y
plot at('fig5_capacity') using 1:2 with lines lw 2 lc rgb 'gray30', '' using ($4 > 0 ? $1 : NaN):4 with lines dt 2 lw 2 lc rgb 'gray30'
unset logscale
low = 0.485; high = 0.53
@legend
plot for [k=1:4] NaN with lines lw 2 lc rgb colour(k) title key(k), for [k=1:3] NaN with linespoints pt 7 ps 0.5 lw 2 lc rgb sparse(k) title sprintf('f = %g', F5[k])
low = 0.005; high = 0.05
@legend
array I5[4] = ['n = 0.5', 'n = 2', 'CV 0.5', 'CV 2']
plot for [k=1:4] NaN with points pt 2 * k + 2 ps 1.1 lw 1.5 lc rgb 'gray30' title 'f, insets: '.I5[k], NaN with lines dt 2 lw 2 lc rgb 'gray30' title 'g: 1/(2 f ln 1/f)'
unset multiplot
@again
}

# --- Figure 6 ---
if (is('fig6') && is('fig6_loads')) {
eval png(1200, 640)
set output out.'/rate_fig6.png'
n6 = top('fig6', 3, '1'); e6 = top('fig6_loads', 4, '1')
set multiplot title sprintf('Figure 6: stability of sparse patterns, measured (a-d: N = %d, e: N = %d; open: stable, with a margin of 0.05)', n6, e6)
rows = 2; columns = 4; left = 0.05; right = 0.99; bottom = 0.13; top = 0.88; across = 0.05; down = 0.16
array F6[3] = [1, 0.5, 0.2]
array C6[4] = [0, 0.5, 1, 2]
f6(k, n) = sprintf('$1==%g && $3==%d', F6[k], n)
set xlabel 'load' offset 0,0.5
r = 1; c = 1; @frame
set title 'a: share with an abscissa below 0'; set yrange [-0.05:1.05]
plot for [k=1:3] mean('fig6', f6(k, n6), 5, 6) using 1:2 with linespoints pt 7 ps 0.5 lw 2 lc rgb colour(k), \
     for [k=1:3] mean('fig6', f6(k, n6), 5, 8) using 1:2 with points pt 6 ps 0.9 lc rgb colour(k)
c = 2; @frame
set title sprintf('b: f = 0.5, N = %d (line), %d (dashed)', n6, n6 / 2)
plot for [k=1:2] mean('fig6', f6(2, n6 / k), 5, 6) using 1:2 with linespoints pt 7 ps 0.5 dt k lw 2 lc rgb colour(2)
c = 3; @frame
set title 'c: best threshold'; set autoscale y
plot for [k=1:3] mean('fig6', f6(k, n6), 5, 9) using 1:2 with linespoints pt 7 ps 0.5 lw 2 lc rgb colour(k)
c = 4; @frame
set title 'd: mean abscissa'
plot for [k=1:3] mean('fig6', f6(k, n6), 5, 10) using 1:2 with linespoints pt 7 ps 0.5 lw 2 lc rgb colour(k)
r = 2; set xlabel 'exponent n'; set yrange [-0.05:*]; set xrange [0:1.4]
do for [j=1:4] {
c = j; @frame
set title sprintf('e: critical load, CV %g', C6[j])
plot for [k=2:3] mean('fig6_loads', sprintf('$1==%g && $3==%g && $4==%d', C6[j], F6[k], e6), 2, 6) using 1:2 with linespoints pt 7 ps 0.5 lw 2 lc rgb colour(k), \
     for [k=2:3] mean('fig6_loads', sprintf('$1==%g && $3==%g && $4==%d', C6[j], F6[k], e6), 2, 7) using 1:2 with points pt 6 ps 0.9 lc rgb colour(k)
}
low = 0.005; high = 0.05
@legend
plot for [k=1:3] NaN with linespoints pt 7 ps 0.5 lw 2 lc rgb colour(k) title sprintf('f = %g', F6[k])
unset multiplot
@again
}

# --- Figure 7 ---
if (is('fig7_points')) {
eval png(1100, 800)
set output out.'/rate_fig7.png'
set multiplot title 'Figure 7: eigenvalues of X Y^+ for paired Gaussians and the disc of (21) (N = 500)'
rows = 3; columns = 4; left = 0.04; right = 0.99; bottom = 0.06; top = 0.91; across = 0.045; down = 0.075
array A7[3] = [0.2, 0.5, 0.8]
array T7[4] = [-0.5, 0, 0.5, 0.9]
do for [a=1:3] { do for [t=1:4] {
r = a; c = t; @frame
set title sprintf('load %g, τ = %g', A7[a], T7[t]) offset 0,-0.5; set size ratio -1
step = 0.5 * sqrt((1 - T7[t]**2) * A7[a] / (1 - A7[a])); step = step < 0.3 ? 0.1 : step < 0.6 ? 0.3 : 0.5; set xtics step; set ytics step
plot at('fig7_points') using ($1==A7[a] && $2==T7[t] ? $3 : NaN):4 with points pt 7 ps 0.25 lc rgb 'gray30', \
     at('fig7_discs') using ($1==A7[a] && $2==T7[t] ? $3 : NaN):(0):4 with circles lw 2 lc rgb colour(6) fillstyle empty border lc rgb colour(6)
} }
unset multiplot
set size noratio; set xtics auto; set ytics auto
@again
}

# --- Figure 8 ---
if (is('fig8_pairs')) {
eval png(1100, 420)
set output out.'/rate_fig8.png'
n8 = top('fig8_pairs', 6, '1')
set multiplot title sprintf('Figure 8: predicted against measured critical loads (N = %d), and the thresholds of (16)', n8)
rows = 1; columns = 3; left = 0.05; right = 0.99; bottom = 0.2; top = 0.85; across = 0.06; down = 0
set xlabel 'measured' offset 0,0.5; set xrange [-0.02:0.7]; set yrange [-0.02:0.8]
r = 1; c = 1; @frame
set title 'a, b: (19)'
plot x lc rgb 'gray' , for [k=1:4] at('fig8_pairs') using ($1==CV[k] ? $8 : NaN):4 with points pt 7 ps 0.6 lc rgb colour(k)
c = 2; @frame
set title 'not in the paper: bulk and outliers at the load'
plot x lc rgb 'gray' , for [k=1:4] at('fig8_pairs') using ($1==CV[k] ? $8 : NaN):5 with points pt 7 ps 0.6 lc rgb colour(k)
c = 3; @frame
set title 'c: density of thresholds (16), load (19) above 0'; set xlabel 'θ*'; set xrange [-3:1.5]; set autoscale y; set samples 300
plot for [k=1:4] at('fig8_theta') using ($1==CV[k] ? $2 : NaN):(0.001) smooth kdensity bandwidth 0.1 with lines lw 2 lc rgb colour(k)
low = 0.005; high = 0.08
@legend
plot for [k=1:4] NaN with points pt 7 ps 1 lc rgb colour(k) title key(k)
unset multiplot
}
