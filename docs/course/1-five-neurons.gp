# The 32 states: to the right what is like pattern 1, energy upwards; arrows lead to the state after the next flip.
place = "awk '$2 ~ /^-?[0-9]+$/ && NF == 4 { \
    s[++n] = $1; e[$1] = $2; to[$1] = $3; ends[$1] = $4; \
    for (j = 1; j <= 5; j++) m[$1] += substr($1, j, 1) == substr(\"+++--\", j, 1) ? 1 : -1; \
    rank[$1] = many[m[$1], $2]++ } \
  function x(q) { return m[q] + 0.36 * (rank[q] - (many[m[q], e[q]] - 1) / 2) } \
  function which(q) { return q == \"+++--\" ? 1 : q == \"+-+-+\" ? 2 : q == \"---++\" ? 3 : 4 } \
  END { for (i = 1; i <= n; i++) { q = s[i]; t = to[q]; \
    print x(q), e[q], x(t) - x(q), e[t] - e[q], which(ends[q]), q == t ? q : \"-\" } }' ".data
set xrange [-6.2:6.2]
set yrange [-10.2:5.6]
set xtics -5, 2
set ytics -8, 4
set xlabel 'overlap with pattern 1,  x_1.q'
set ylabel 'energy E'
set label 'pattern 1  (+++--)' at 5, -8.9 center textcolor rgb blue
set label 'pattern 2  (+-+-+)' at 1, -8.9 center textcolor rgb red
set label 'opposite of 1' at -5, -8.9 center textcolor rgb green
set label 'opposite of 2' at -1, -8.9 center textcolor rgb orange
unset key
colour(k) = k == 1 ? 0x1f6fb4 : k == 2 ? 0xc8442f : k == 3 ? 0x3a8a3a : 0xd98a00
plot '< '.place using 1:2:3:4:(colour($5)) with vectors head size 0.13,18 filled lc rgb variable lw 1.2, \
     '' using 1:2:(colour($5)) with points pt 7 ps 0.75 lc rgb variable
