# HFY Figures 11 and 14 (hfy_capacity.svg, hfy_capacity_posts.svg) and 12 (hfy_noise.svg) from capacity.csv and noise.csv:
# medians, bars from quartile to quartile
load 'panels.gp'
of(file, beta, name) = sprintf("< awk -F, '$1==%s && $2==\"%s\"' %s/%s", beta, name, data, file)
low = 0.01; high = 0.1

# --- four kinds of network, two betas; the key of a column under it ---
array group[4] = ["classical|power 10|exp", "softmax|1.5-entmax|sparsemax", "2-normmax|5-normmax", "sparsemax|sparsemax norm|sparsemax lnorm"]
array named[4] = [group[1], group[2], group[3], "sparsemax|unit length (beta 20)|layer norm"]
array kind[4] = ["with tanh", "entmax", "normmax", "sparsemax"]
size(list) = strlen(list) ? words(system(sprintf("echo '%s' | tr ' |' '_ '", list))) : 0
item(list, k) = system(sprintf("echo '%s' | cut -d'|' -f%d", list, k))
rows = 2; columns = 4; left = 0.06; right = 0.99; bottom = 0.24; top = 0.94; across = 0.025; down = 0.09
set yrange [-0.04:1.04]
set ytics 0.25
do for [what in "capacity noise"] {
    file = what.'.csv'
    set terminal svg size 1080,640 font 'sans,11' background '#ffffff'
    set output sprintf('%s/hfy_%s.svg', out, what)
    set multiplot
    if (what eq 'capacity') { set logscale x 2; set xrange [1.6:5000]; set xtics 4,4,4096 } else { set xrange [-0.6:15.6]; set xtics 0,5,15 }
    do for [r=1:2] { do for [c=1:4] {
        @panel
        beta = r == 1 ? '1' : '0.1'
        n = size(group[c])
        set title sprintf('%s, beta %s', kind[c], beta) offset 0,-0.6
        set format y (c == 1 ? '%g' : '')
        set ylabel (c == 1 ? 'success (cosine > 0.9)' : '') offset 1
        set xlabel (r == 1 ? '' : what eq 'capacity' ? 'stored patterns' : 'noise, 100 stored') offset 0,0.5
        if (r == 2) { set key at screen from(c) + 0.05, screen 0.14 left center Left reverse samplen 3 } else { unset key }
        plot for [k=1:n] of(file, beta, item(group[c], k)) using 3:4 with lines lw wide(k, n) lc rgb word(colours, k) title item(named[c], k), \
             for [k=1:n] of(file, beta, item(group[c], k)) using 3:5:(0):($6-$5) with vectors heads size screen 0.003,90 lc rgb word(colours, k) notitle
    } }
    unset multiplot
    unset logscale x
    unset key
}

# --- every Omega under every Psi, beta 1 ---
set output out.'/hfy_capacity_posts.svg'
set terminal svg size 1080,660 font 'sans,11' background '#ffffff'
set multiplot
rows = 2; columns = 2; bottom = 0.19; across = 0.06; down = 0.13
set logscale x 2
set xrange [1.8:4600]
set xtics 2,2,4096
set format y '%g'
omegas = "softmax 1.5-entmax sparsemax 2-normmax 5-normmax"
array post[4] = ["", " norm", " norm own", " lnorm"]
array said[4] = ["no post-transformation, beta 1", "unit length, beta 20", "unit length, beta 1", "layer norm, beta 1"]
do for [r=1:2] { do for [c=1:2] {
    @panel
    i = 2 * r + c - 2
    set title said[i] offset 0,-0.6
    set ylabel (c == 1 ? 'success (cosine > 0.9)' : '') offset 1
    set xlabel (r == 2 ? 'stored patterns' : '') offset 0,0.5
    plot for [k=1:5] of('capacity.csv', '1', word(omegas, k).post[i]) using 3:4 with lines lw wide(k, 5) lc rgb word(colours, k), \
         for [k=1:5] of('capacity.csv', '1', word(omegas, k).post[i]) using 3:5:(0):($6-$5) with vectors heads size screen 0.003,90 lc rgb word(colours, k)
} }
@legend
plot NaN notitle, for [k=1:5] keyentry with lines lw wide(k, 5) lc rgb word(colours, k) title word(omegas, k)
unset multiplot
