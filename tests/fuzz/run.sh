# fuzz/run.sh DIRECTORY SECONDS TARGET: runs one built target and prints its row: target, executions, edges, features,
# seconds of a processor, findings (files in DIRECTORY/found). The corpus grows in DIRECTORY/TARGET.corpus. RUNS=N: so many
# inputs in place of SECONDS, from seed 1.
dir=$1 seconds=$2 target=$3
mkdir -p $dir/found $dir/$target.corpus
log=$dir/$target.log
export UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1}
if [ -e $dir/guided ]; then
  set -- -artifact_prefix=$dir/found/$target- -max_len=1000 -len_control=0 -timeout=60 -report_slow_units=20 \
    $dir/$target.corpus
fi
TIMEFORMAT='%U %S'
limit=-max_total_time=$seconds
[ -z "${RUNS-}" ] || limit="-seed=1 -runs=$RUNS"
cpu=$( { time $dir/$target $limit "$@" >$log 2>&1 || echo "$target ended with status $?" >>$log
  } 2>&1 )
awk -v target=$target -v cpu="$cpu" -v found="$(find $dir/found -name "$target-*" | wc -l)" '
  /cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") edges = $(i + 1); if ($i == "ft:") features = $(i + 1) } }
  /^#[0-9]/ { runs = substr($1, 2) + 0 }
  /^Done [0-9]+ runs/ { runs = $2 }
  / ended with status / { bad = 1 }
  /^died |^slow unit/ { found++ }
  END { split(cpu, t, " "); if (bad && !found) found = 1
        printf "| %-9s | %9d | %6s | %8s | %6.0f | %d |\n", target, runs, edges ? edges : "-",
               features ? features : "-", t[1] + t[2], found }' $log | tee $dir/$target.row
grep -h '^    .*: in .*: \|^      (\|SUMMARY: \|^died \|^slow unit\|Slowest unit' $log | sort | uniq -c | sort -rn | head -n 5
! grep -q ' ended with status ' $log
