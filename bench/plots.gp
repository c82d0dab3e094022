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
svg(w, h) = sprintf("set terminal svg size %d,%d font 'sans,12' background rgb 'white' noenhanced", w, h)

# --- separations: ns an element against the length of a row ---
if (have_sep) {
    eval svg(900, 620)
    set output docs.'/bench_separations.svg'
    set multiplot layout 2,3 title 'separations: nanoseconds an element, one thread, best samples'
    set logscale xy; set format x '%.0s%c'; set format y '%g'; set xtics 10,100; set yrange [0.1:20000]
    set key top right spacing 0.9; set xlabel 'scores in a row'
    do for [k in 'softmax sparsemax entmax15 entmax1.3 normmax2 ksubsets4'] {
        set title k
        peer = k eq 'softmax' ? 'torch.softmax' : k eq 'sparsemax' || k eq 'entmax15' ? 'sort (torch)' : '50 bisections (torch)'
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
    set multiplot layout 1,3 title 'one retrieval step: microseconds, one thread, best samples'
    set logscale xy; set format x '%.0s%c'; set format y '%g'; set xtics 1,10
    set key below maxcols 2 spacing 0.9 width -2
    do for [axis in 'N D B'] {
        set title axis eq 'N' ? 'D = 64, B = 1' : axis eq 'D' ? 'N = 10000, B = 16' : 'N = 10000, D = 256'
        set xlabel axis eq 'N' ? 'N: patterns stored' : axis eq 'D' ? 'D: length of a pattern' : 'B: queries'
        g = 'grow'.axis.'_'
        if (there(g.'softmax_hfy') && there(g.'sparsemax_hfy')) {
            plot data.g.'softmax_hfy.dat' with linespoints ls 1 title 'softmax, hfy.h', \
                 data.g.'softmax_peer.dat' with linespoints ls 2 title 'softmax, numpy', \
                 data.g.'sparsemax_hfy.dat' with linespoints ls 3 dt 1 title 'sparsemax, hfy.h', \
                 data.g.'sparsemax_peer.dat' with linespoints ls 4 title 'sparsemax, torch + sort'
        }
    }
    unset multiplot
    unset output
}

# --- retrieval against the machine's roof, and its memory ---
few(w) = substr(w, strlen(w), strlen(w))
kind(w) = strlen(w) == 1 ? 'roof' : substr(w, 2, 2) eq 'o' ? 'softmax' : 'sparsemax'
dash(w) = few(w) eq '1' ? 1 : 2
tint(w) = strlen(w) == 1 ? '#999999' : substr(w, 2, 2) eq 'o' ? '#0b5394' : '#38761d'
if (have_roof) {
    eval svg(1000, 760)
    set output docs.'/bench_roof.svg'
    set multiplot layout 2,2 title 'one retrieval step, D = 784: rates (medians) against the measured roof, and memory'
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
    if (there('mem_softmax_hfy')) {
        set title '256 queries: MB of resident memory that the step takes'; set logscale xy; set yrange [1:1000]
        set xtics (10000, 60000); set xrange [7000:90000]
        plot data.'mem_softmax_hfy.dat' with linespoints ls 1 title 'softmax, hfy.h', \
             data.'mem_softmax_peer.dat' with linespoints ls 2 title 'softmax, torch', \
             data.'mem_sparsemax_hfy.dat' with linespoints ls 3 dt 1 title 'sparsemax, hfy.h', \
             data.'mem_sparsemax_peer.dat' with linespoints ls 4 title 'sparsemax, torch'
    }
    unset multiplot
    unset output
    unset logscale; set xrange [*:*]; set yrange [*:*]; set xtics autofreq
}

# --- matrix products: GFLOP/s against the size ---
if (have_gemm) {
    eval svg(900, 620)
    set output docs.'/bench_gemm.svg'
    set multiplot layout 2,2 title 'square matrix products: GFLOP/s, best samples'
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

# --- the goals ---
if (have_goals) {
    eval svg(900, 420)
    set output docs.'/bench_goals.svg'
    unset logscale; set logscale y
    set title 'time of hfy.h over time of the peer, every case of every row of goals' offset 0,0.5
    set xlabel 'row of goals'; set ylabel 'ratio'
    set xtics autofreq rotate by -60; set format y '%g'; set key above spacing 0.9
    stats data.'goals.dat' using 1 nooutput
    set xrange [-1:STATS_max + 1]
    plot data.'goals.dat' using 1:4:xtic(2) with points pt 1 ps 1.2 lw 2 lc rgb '#cc4125' title 'must', \
         data.'goals.dat' using 1:5 with points pt 1 ps 1.2 lw 2 lc rgb '#38761d' title 'goal', \
         data.'goals.dat' using 1:3 with points pt 7 ps 0.5 lc rgb '#0b5394' title 'measured (medians)'
    unset output
}
