# The weight of each pattern under each separation, as squares.
set terminal svg size 760,380 font 'sans,12' background '#ffffff'
set xrange [-0.6:9.6]
set yrange [8.6:-0.6]
set palette defined (0 '#f4f6f8', 0.5 '#8ab6dc', 1 '#114a80')
set palette maxcolors 20
set cbrange [0:1]
set cblabel 'weight'
set xtics 0, 1
set ytics ('sparsemax' 0, 'one of each five' 1, '3-subsets' 2, 'sequence, t = 0' 3, 't = 0.5' 4, 't = 1' 5, \
  't = 1.5' 6, 't = 2' 7, 't = 2.5' 8)
set xlabel 'pattern'
set lmargin 16
unset key
unset grid
set style fill solid
rows = "< awk 'NF == 11 && $1 != \"#\" { for (i = 0; i < 10; i++) print i, n + 0, $(i + 2); n++ }' ".data
some = "< awk 'NF == 11 && $1 != \"#\" { for (i = 0; i < 10; i++) if ($(i + 2) > 0) \
  print i, n + 0, $(i + 2), ($(i + 2) > 0.6 ? 16777215 : 2236962); n++ }' ".data
plot rows using 1:2:(0.46):(0.42):3 with boxxyerror fc palette lw 0, \
     some using 1:2:(sprintf('%.2f', $3)):4 with labels font ',10' textcolor rgb variable
