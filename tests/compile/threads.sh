# threads.sh DIR PRECISION: a serial build, OpenMP builds of 1, 2, 3 and 8 threads and one with POSIX threads give the same
# bits; in float the thread sanitizer finds nothing. Ways that CC does not know are skipped.
here=$(cd "$(dirname "$0")" && pwd)
precision=$2
mkdir -p "$1/$precision" && cd "$1/$precision" || exit 2
p= && test "$precision" = double && p=-DHFY_DOUBLE
CC=${CC:-cc} LDLIBS=${LDLIBS--lm}
same() {
    if test "$2" = "$3" && test -n "$2"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "  FAIL $1: $3, serial $2"
    fi
}
passed=0 failed=0
flags="$KNOWN -O1 $p" # threads share out the same work at every -O
$CC $flags -o serial "$here/threads.c" $LDLIBS || exit 2
serial=$(./serial)
same "serial again $p" "$serial" "$(./serial)"
if $CC -fopenmp -o openmp "$here/threads.c" $flags $LDLIBS 2>/dev/null; then
    for t in 1 2 3 8; do same "OpenMP, $t threads $p" "$serial" "$(OMP_NUM_THREADS=$t ./openmp)"; done
else
    echo "  skipped: $CC has no -fopenmp"
fi
# who runs what does not hang on the precision: the sanitizer, many times slower, looks at float
if test "$precision" = double; then
    if $CC $flags -DPOSIX_THREADS -pthread -o posix "$here/threads.c" $LDLIBS 2>/dev/null; then
        same "POSIX threads $p" "$serial" "$(./posix)"
    else
        echo "  skipped: no POSIX threads"
    fi
elif $CC $flags -g1 -DPOSIX_THREADS -pthread -fsanitize=thread -o tsan "$here/threads.c" $LDLIBS 2>/dev/null; then
    same "POSIX threads under the thread sanitizer $p" "$serial" "$(TSAN_OPTIONS=exitcode=66 ./tsan 2>&1)"
else
    echo "  skipped: no thread sanitizer"
fi
echo "threads ($precision): $passed passed, $failed failed"
test $failed = 0
