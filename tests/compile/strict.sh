# strict.sh DIR: every test file and the header alone, in both precisions, with all warnings as errors: gcc and clang
# where they are (COMPILERS), C99, C11, GNU C, C++11 to C++20. AT_ONCE: how many compilers at a time. Code is made only
# once a precision, by gcc, which has warnings that need it.
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1" && rm -f broken done || exit 2
base="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wdouble-promotion -Werror"
: >jobs
run() { printf '%s\0' "$*" >>jobs; } # as many at a time as there are processors, below
for cc in ${COMPILERS:-gcc clang}; do
    command -v $cc >/dev/null 2>&1 || { echo "  skipped: no $cc"; continue; }
    align=-Wcast-align
    test $cc = gcc && align=-Wcast-align=strict
    for p in "" -DHFY_DOUBLE; do
        make="-fsyntax-only"
        test $cc = gcc && make="-O2 -c -o /dev/null"
        run $cc -std=c99 $base $align $p $make "$here/implementation.c"
        # the tests by clang in float only: what differs in double gcc sees
        test "$cc$p" = clang-DHFY_DOUBLE || for test in "$here"/../test_*.c; do # clang counts the tests' long double as a promotion too
            # and gcc takes a second each to find misleading indentation, which clang does, too
            quiet=-Wno-misleading-indentation ; test $cc = clang && quiet=-Wno-double-promotion
            linked= # those that need the bodies read them; the others only what they declare
            grep -q TEST_LINKED "$test" && linked=-DTEST_LINKED
            run $cc -std=c99 $base $quiet $align $p $linked -fsyntax-only "$test"
        done
        # standards and switches once each (rooms.sh: each room alone; the tests: HFY_STATIC)
        case $p in "") ways="c11 c99+HFY_NO_STDIO c99+HFY_PLAIN" ;; *) ways="gnu99 c99+HFY_NO_SIMD" ;; esac
        for way in $ways; do
            run $cc -std=$(echo "$way" | sed 's/+/ -D/') $base $align $p -fsyntax-only "$here/implementation.c"
        done
    done
done
for cc in ${COMPILERS:-gcc clang}; do
    cxx=g++
    test $cc = clang && cxx=clang++
    command -v $cxx >/dev/null 2>&1 || { echo "  skipped: no $cxx"; continue; }
    for std in c++11 c++17 c++20; do
        for p in "" -DHFY_DOUBLE; do
            run $cxx -std=$std -Wall -Wextra -Wshadow -Wconversion -Werror $p -fsyntax-only "$here/cpp.cc"
        done
    done
done
at_once=${AT_ONCE:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}
xargs -0 -n 1 -P "$at_once" sh -c 'eval "$0" || echo "$0" >>broken; echo >>done' <jobs
done=$(wc -l <done) failed=$(test -f broken && wc -l <broken || echo 0)
test "$failed" = 0 || sed 's/^/  FAIL /' broken
echo "strict: $((done - failed)) passed, $failed failed"
test $failed = 0 && test $done -gt 0
