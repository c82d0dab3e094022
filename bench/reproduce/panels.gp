# What the pictures share. Panels: set rows, columns, the edges of their grid (left, right, bottom, top) and the gaps between
# them (across, down), all as shares of the page; then @panel with r and c from 1, the uppermost first, places the next plot.
# @legend places one that is only a key, in the strip from `low` to `high`, drawn by `keyentry`: keys never lie on data.
# Curves that lie on one another are drawn the widest first: lw wide(k, n) for the k-th of n.
set datafile separator ','
colours = '#d55e00 #0072b2 #009e73 #cc79a7 #8c510a #e69f00 #56b4e9'
wide(k, n) = 1.5 + 2.6 * (n - k)
from(c) = left + (c - 1) * ((right - left - across * (columns - 1)) / columns + across)
upto(r) = bottom + (rows - r) * ((top - bottom - down * (rows - 1)) / rows + down)
panel = 'set lmargin at screen from(c); set rmargin at screen from(c + 1) - across; \
set bmargin at screen upto(r); set tmargin at screen upto(r - 1) - down'
legend = 'set lmargin at screen 0.01; set rmargin at screen 0.99; set bmargin at screen low; set tmargin at screen high; \
unset title; unset xlabel; unset ylabel; unset tics; unset border; unset logscale; set xrange [0:1]; set yrange [0:1]; \
set key default; set key inside center center horizontal Left reverse samplen 3 maxrows 1'
again = 'set tics out; set xtics nomirror; set ytics nomirror; set border; unset key; set autoscale x; set autoscale y' # after a legend
@again
