# gnuplot -e "build='build'; docs='../docs'" plots.gp     (after plot_data.py build)
data = build.'/plot/'
load data.'all.gp'
there(name) = system("test -s '".data.name.".dat' && echo 1 || echo 0") + 0
set style line 1 lc rgb '#0b5394' lw 2 pt 7 ps 0.5
set style line 2 lc rgb '#cc4125' lw 1.5 pt 5 ps 0.4 dt 2
set style line 3 lc rgb '#38761d' lw 1.5 pt 9 ps 0.5 dt 2
set style line 4 lc rgb '#b45f06' lw 1.5 pt 11 ps 0.5 dt 2
set border 3 lc rgb '#666666'
set tics nomirror
set grid lc rgb '#dddddd' lt 1
name(s) = s eq 'hfy' ? 'hfy.h' : s eq 'openblas' ? 'OpenBLAS' : s eq 'blis' ? 'BLIS' : s eq 'eigen' ? 'Eigen' : s
nice(k) = k eq 'entmax15' ? '1.5-entmax' : k eq 'entmax1.3' ? '1.3-entmax' : k[1:7] eq 'normmax' ? k[8:8].'-normmax' : k eq 'ksubsets4' ? '4-subsets' : k
svg(w, h) = sprintf("set terminal svg size %d,%d font 'sans,12' background rgb 'white' noenhanced", w, h)

# --- separations: ns an element against the length of a row ---
if (have_sep) {
    eval svg(900, 620)
    set output docs.'/bench_separations.svg'
    set multiplot layout 2,3 title 'separations: nanoseconds an element, one thread, medians'
    set logscale xy; set format x '%.0s%c'; set format y '%g'; set xtics 10,100; set yrange [0.1:20000]
    set key top right spacing 0.9; set xlabel 'scores in a row'
    do for [k in 'softmax sparsemax entmax15 entmax1.3 normmax2 ksubsets4'] {
        set title nice(k)
        peer = k eq 'softmax' ? 'PyTorch' : k eq 'sparsemax' || k eq 'entmax15' ? 'PyTorch, sort' : 'PyTorch, bisection'
        if (there('sep_'.k.'_hfy')) {
            if (there('sep_'.k.'_peer')) {
                plot data.'sep_'.k.'_hfy.dat' with linespoints ls 1 title 'hfy.h', data.'sep_'.k.'_peer.dat' with linespoints ls 2 title peer
            } else {
                plot data.'sep_'.k.'_hfy.dat' with linespoints ls 1 title 'hfy.h'
            }
        }
    }
    unset multiplot
    unset output
}

# --- retrieval: microseconds a step against N, D and B ---
if (have_growN || have_growD || have_growB) {
    set yrange [*:*]
    eval svg(1000, 460)
    set output docs.'/bench_growth.svg'
    set multiplot layout 1,3 title 'one retrieval step: microseconds, one thread, medians'
    set logscale xy; set format x '%.0s%c'; set format y '%g'; set xtics 1,10
    set key below maxcols 2 spacing 0.9 width -2
    do for [axis in 'N D B'] {
        set title axis eq 'N' ? 'D = 64, B = 1' : axis eq 'D' ? 'N = 10000, B = 16' : 'N = 10000, D = 256'
        set xlabel axis eq 'N' ? 'N: patterns stored' : axis eq 'D' ? 'D: length of a pattern' : 'B: queries'
        g = 'grow'.axis.'_'
        if (there(g.'softmax_hfy') && there(g.'sparsemax_hfy')) {
            plot data.g.'softmax_hfy.dat' with linespoints ls 1 title 'softmax, hfy.h', \
                 data.g.'softmax_peer.dat' using ($1*1.08):2 with linespoints ls 2 title 'softmax, NumPy', \
                 data.g.'sparsemax_hfy.dat' with linespoints ls 3 dt 1 title 'sparsemax, hfy.h', \
                 data.g.'sparsemax_peer.dat' using ($1*1.08):2 with linespoints ls 4 title 'sparsemax, PyTorch, sort'
        }
    }
    unset multiplot
    unset output
}

# --- retrieval against the machine's roof ---
few(w) = substr(w, strlen(w), strlen(w))
kind(w) = strlen(w) == 1 ? 'roof' : substr(w, 2, 2) eq 'o' ? 'softmax' : 'sparsemax'
dash(w) = few(w) eq '1' ? 1 : 2
tint(w) = strlen(w) == 1 ? '#999999' : substr(w, 2, 2) eq 'o' ? '#0b5394' : '#38761d'
if (have_roof) {
    eval svg(1100, 440)
    set output docs.'/bench_roof.svg'
    set multiplot layout 1,3 title 'one retrieval step, D = 784: rates against the measured roof (best samples)'
    unset logscale; set logscale x; set format x '%.0s%c'; set format y '%g'; set xtics (1000, 10000, 60000)
    set xrange [700:90000]; set yrange [0:*]; set xlabel 'N: patterns stored'; set key below maxcols 3 spacing 0.9 width -2
    do for [of in 'read flops64 flops256'] {
        set title (of eq 'read' ? 'one query: GB/s of keys read' : (of eq 'flops64' ? '64' : '256').' queries: GFLOP/s')
        list = ''
        do for [t in '1 2'] {
            do for [k in 'softmax_ sparsemax_'] { if (there('roof_'.of.'_'.k.t)) { list = list.k.t.' ' } }
            if (there('roof_'.of.'_'.t)) { list = list.t.' ' }
        }
        plot for [i=1:words(list)] data.'roof_'.of.'_'.word(list, i).'.dat' with linespoints lc rgb tint(word(list, i)) \
            dt dash(word(list, i)) lw 2 pt 7 ps 0.5 \
            title kind(word(list, i)).', '.few(word(list, i)).(few(word(list, i)) eq '1' ? ' thread' : ' threads')
    }
    unset multiplot
    unset output
    unset logscale; set xrange [*:*]; set yrange [*:*]; set xtics autofreq
}

# --- matrix products: GFLOP/s against the size ---
if (have_gemm) {
    eval svg(900, 620)
    set output docs.'/bench_gemm.svg'
    set multiplot layout 2,2 title 'square matrix products: GFLOP/s, medians'
    unset logscale; set logscale x 2; set format x '%g'; set xtics 8,2; set yrange [0:*]; set key bottom right maxrows 2 spacing 0.9; set xlabel 'M = N = K'
    do for [p in 'sgemm dgemm'] {
        do for [t in '1 2'] {
            set title p.', '.t.(t eq '1' ? ' thread' : ' threads')
            if (there(p.'_'.t.'_hfy')) {
                names = 'hfy openblas blis eigen'
                here = ''
                do for [l in names] { if (there(p.'_'.t.'_'.l)) { here = here.l.' ' } }
                plot for [i=1:words(here)] data.p.'_'.t.'_'.word(here, i).'.dat' with linespoints ls i \
                    title name(word(here, i))
            }
        }
    }
    unset multiplot
    unset output
    set yrange [*:*]
}

# --- speed: every task, every peer ---
if (have_speed) {
    eval svg(1320, 900)
    set output docs.'/bench_speed.svg'
    set multiplot layout 1,2 title 'time of hfy.h over time of the peer (left of 1: hfy.h is faster); median of the cases, lowest to highest quartile of their rounds'
    unset logscale; set logscale x; set xtics 0.0001,100; set format x '%g'; unset key; unset title; unset xlabel; set xrange [0.00005:10]; set arrow 1 from first 1, graph 0 to first 1, graph 1 nohead lw 1.5 lc rgb '#666666'
    set ytics font ',10'; set yrange [*:1]; set offsets 0, 0, 0, 1
    do for [p=0:1] {
        set lmargin at screen 0.33 + 0.49 * p; set rmargin at screen 0.495 + 0.49 * p
        plot data.'speed_'.p.'.dat' using 2:1:3:4:ytic(5) with xerrorbars pt 7 ps 0.5 lw 1.5 lc rgb '#0b5394'
    }
    unset multiplot; unset output; unset arrow 1; set ytics autofreq font ',12'; set xrange [*:*]; set yrange [*:*]; set offsets 0, 0, 0, 0; set lmargin -1; set rmargin -1
}

# --- memory ---
if (have_mem) {
    eval svg(1100, 560)
    set output docs.'/bench_memory.svg'
    set multiplot title 'resident memory, MB'
    unset logscale; set logscale x; set format x '%g'; set xtics autofreq; set ytics font ',10'; unset xlabel; set yrange [*:*]; set offsets 0, 0, 0.7, 0.7
    set size 0.36,0.94; set origin 0,0; set lmargin 14; unset key; set xrange [1:400]
    set title 'a process with 1,000 patterns, one query'
    plot data.'mem_process.dat' using 2:1:ytic(3) with points pt 7 ps 1 lc rgb '#0b5394'
    set size 0.64,0.94; set origin 0.36,0; set lmargin 38; set key below; set xrange [0.05:1000]; set offsets 0, 0, 0.5, 0.5
    set title 'what one step adds, one thread'
    plot data.'mem_step.dat' using 2:1:ytic(5) with points pt 7 ps 0.7 lc rgb '#0b5394' title 'hfy.h', \
         '' using 3:1 with points pt 5 ps 0.6 lc rgb '#cc4125' title 'PyTorch', \
         '' using 4:1 with points pt 2 ps 0.6 lc rgb '#666666' title 'a matrix of all scores'
    unset multiplot; unset output; set ytics autofreq font ',12'; set xrange [*:*]; set offsets 0, 0, 0, 0; set lmargin -1; set size 1,1; set origin 0,0
}

# --- accuracy: errors in units of the last place, from the best to the worst of the draws ---
if (have_acc) {
    eval svg(1200, 820)
    set output docs.'/bench_accuracy.svg'
    set multiplot layout 3,4 title 'largest error in units of 2^-24 (the rounding of a float), median, lowest and highest of the draws; 0.05 stands for less'
    unset logscale; set logscale xy; set xtics autofreq; set format x '%.0s%c'; set format y '%g'; set key inside top left Left reverse samplen 2 maxcols 1 spacing 0.9; set yrange [0.03:30000]; set offsets 0, 0, 0, 0
    shift(x, i) = x * (1 + 0.25 * i) # beside one another; an error of 0 stands at the bottom
    seen(y) = y < 0.05 ? 0.05 : y
    peer(k) = k eq 'softmax' ? 'PyTorch' : k eq 'sparsemax' || k eq 'entmax15' ? 'PyTorch, sort' : 'PyTorch, bisection'
    set xlabel 'scores in a row'; set xrange [40:150000]
    do for [k in 'softmax sparsemax entmax15 entmax1.3 normmax2 normmax5 ksubsets4'] {
        set title nice(k)
        if (there('acc_separations_'.k.'_hfy')) {
            plot data.'acc_separations_'.k.'_hfy.dat' using 1:(seen($2)):(seen($3)):(seen($4)) with yerrorlines ls 1 title 'hfy.h', \
                 there('acc_separations_'.k.'_peer') ? data.'acc_separations_'.k.'_peer.dat' : '/dev/null' using (shift($1, 1)):(seen($2)):(seen($3)):(seen($4)) with yerrorlines ls 2 title peer(k)
        }
    }
    set title 'products, 64 x K x 64'; set xlabel 'K'; set xrange [10:40000]; set yrange [0.03:3000]
    if (there('acc_products_64_x_k_x_64_hfy')) {
        plot for [i=1:4] data.'acc_products_64_x_k_x_64_'.word('hfy openblas blis eigen', i).'.dat' using (shift($1, i - 1)):(seen($2)):(seen($3)):(seen($4)) with yerrorlines ls i title name(word('hfy openblas blis eigen', i))
    }
    set xlabel 'patterns of length 784, one step'; set xrange [60:30000]; set yrange [0.03:3000]
    do for [k in 'softmax sparsemax entmax15'] {
        set title 'retrieval, '.nice(k)
        if (there('acc_retrieval_'.k.'_hfy')) {
            plot data.'acc_retrieval_'.k.'_hfy.dat' using 1:(seen($2)):(seen($3)):(seen($4)) with yerrorlines ls 1 title 'hfy.h', \
                 there('acc_retrieval_'.k.'_peer') ? data.'acc_retrieval_'.k.'_peer.dat' : '/dev/null' using (shift($1, 1)):(seen($2)):(seen($3)):(seen($4)) with yerrorlines ls 2 title k eq 'softmax' ? 'NumPy' : 'PyTorch, sort'
        }
    }
    unset multiplot; unset output
}
