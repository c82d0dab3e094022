# check.sh DIR PART: compiles and links hfy.h in every way a program may use it, and looks at what comes out. PART: use
# (linked, and its symbols), switches (each alone), text (macros, house rules), cpp. CC, CXX (optional), KNOWN (the warning
# flags that CC knows), LDLIBS. Prints `compile/PART: N passed, N failed`. Code is made only where something looks at it.
dir=$1 part=$2
here=$(cd "$(dirname "$0")" && pwd)
header=$here/../../hfy.h
mkdir -p "$dir" && cd "$dir" || exit 2
passed=0 failed=0
CC=${CC:-cc} LDLIBS=${LDLIBS--lm}
flags="$KNOWN -Werror ${OPT--O0}"
if ! $CC $KNOWN -Werror -fsyntax-only "$here/main.c" >/dev/null 2>&1; then flags="$KNOWN ${OPT--O0}"; fi

# check NAME COMMAND...: the command should succeed
check() {
    name=$1
    shift
    if "$@" >log 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "  FAIL $name: $*"
        head -n 20 log
    fi
}
# refuse NAME COMMAND...: the command should fail
refuse() {
    name=$1
    shift
    if "$@" >log 2>&1; then
        failed=$((failed + 1))
        echo "  FAIL $name should have been refused: $*"
    else
        passed=$((passed + 1))
    fi
}
skip() { echo "  skipped: $*"; }
compile() { $CC $flags "$@"; }
read_only() { $CC $flags -fsyntax-only "$@"; }
link() { $CC $fixed -o "$@" $LDLIBS; }
empty() { test ! -s "$1"; }
fixed=

# --- as programs use it ---
use() {
    # objects that stay where they are: their tables are constant, so what state there is shows
    still="-fno-pic -fno-pie -no-pie"
    printf 'int main(void) { return 0; }\n' >still.c
    if $CC $still -o still still.c >/dev/null 2>&1; then fixed=$still; fi
    compiled="${fixed% *}"
    check "implementation, float" compile $compiled -c -o float.o "$here/implementation.c"
    # the double kernels are in test_simd's object as well; here it is names that count
    check "implementation, double" compile $compiled -DHFY_DOUBLE -DHFY_NO_SIMD -c -o double.o "$here/implementation.c"
    declared() { compile $compiled -c "$@" "$here/precision.c"; }
    check "declarations alone" declared -DNAME=recall_declared -o declared.o
    check "declared in double" declared -DNAME=recall_declared -DHFY_DOUBLE -o declared_double.o
    check "declared as one of two, float" declared -DNAME=recall_float -o one_float.o
    check "declared as one of two, double" declared -DNAME=recall_double -DHFY_DOUBLE -o one_double.o
    check "two files, one with the bodies" compile $compiled -DHAVE_DECLARED -c -o main1.o "$here/main.c"
    check "a main for both precisions" compile $compiled -DHAVE_FLOAT -DHAVE_DOUBLE -c -o main2.o "$here/main.c"
    check "two files link" link two main1.o declared.o float.o
    check "two files run" ./two
    check "both precisions link as one program" link both main2.o one_float.o one_double.o float.o double.o
    check "both precisions run" ./both
    check "double with double" link two_double main1.o declared_double.o double.o
    check "and runs" ./two_double
    refuse "double declarations with float bodies" link mixed1 main1.o declared_double.o float.o
    refuse "float declarations with double bodies" link mixed2 main1.o declared.o double.o
    cp float.o float2.o
    refuse "two implementations of one precision" link twice main1.o declared.o float.o float2.o
    check "declarations, then bodies, in one file" read_only -DNAME=recall_float -DWITH_BODIES "$here/precision.c"
    check "the same in double" read_only -DNAME=recall_double -DWITH_BODIES -DHFY_DOUBLE "$here/precision.c"
    if [ -n "$CXX" ]; then
        printf '#include "%s"\nint main() { hfy_rng r = hfy_rng_seed(0); return hfy_rng_u64(&r) == 0; }\n' "$header" >calls.cc
        if $CXX -std=c++11 -fsyntax-only -x c++ "$here/main.c" >/dev/null 2>&1; then
            check "C++ calls bodies compiled as C" $CXX -std=c++11 $fixed -o calls calls.cc float.o $LDLIBS
            check "and runs" ./calls
        else
            skip "C++: no compiler"
        fi
    fi

    # the public functions, from the part of the header before the bodies
    sed '/defined(HFY_IMPLEMENTATION)/,$d' "$header" | sed -n 's/^HFY_API .*[ *]\(hfy_[a-z0-9_]*\)(.*/\1/p' | sort >public
    check "public functions are found in the header" test "$(wc -l <public)" -gt 30
    if nm -P float.o >nm.out 2>/dev/null && test -s nm.out; then
        globals() { nm -P "$1" | awk '$2 ~ /^[A-TV-Z]$/ { sub(/^_/, "", $1); print $1 }' | sort; }
        globals float.o >float.list
        globals double.o >double.list
        sed 's/$/_d/' public | sort >public_double
        check "global symbols are the public functions, float" diff public float.list
        check "global symbols are the public functions, double" diff public_double double.list
        sed -n 's/^#define \(hfy_[a-z0-9_]*\) \(hfy_[a-z0-9_]*\)$/\1 \2/p' "$header" | awk '$1 !~ /_$/ && $2 != $1 "_d" { print }' >renames
        check "HFY_DOUBLE renames by a trailing _d" empty renames
        nm -P float.o | awk '$2 == "U" { sub(/^_/, "", $1); print $1 }' |
            grep -E '^(printf|fprintf|puts|putchar|exit|abort|assert|__assert.*|getenv|setlocale|rand|time)$' >forbidden
        check "nothing prints, exits or reads the environment" empty forbidden
        if [ -n "$fixed" ]; then
            nm -P float.o | awk '$2 ~ /^[dDbBCsS]$/ && $1 !~ /^\.|\$/ { print $1 }' >state
            check "no global or static state" empty state
        else
            skip "state: $CC knows no -fno-pic"
        fi
    else
        skip "symbols: no nm here"
    fi
}

# --- every switch alone ---
undefined() { nm -P "$1" | awk '$2 == "U" { sub(/^_/, "", $1); print $1 }'; }
switches() {
    check "HFY_STATIC" compile -O1 -c -o static.o "$here/static.c"
    check "HFY_STATIC links" link static static.o
    check "HFY_STATIC runs" ./static
    check "HFY_STATIC, double" compile -O1 -DHFY_DOUBLE -c -o static_double.o "$here/static.c"
    check "HFY_API" read_only -DHFY_ONLY_NET -DHFY_API=extern "$here/implementation.c"
    check "HFY_NO_STDIO" read_only -DHFY_NO_STDIO "$here/implementation.c"
    check "HFY_NO_SIMD without stdio" compile -DHFY_NO_SIMD -DHFY_NO_STDIO -DHFY_ONLY_NET -DHFY_ONLY_FILE -c -o no_simd.o "$here/implementation.c"
    check "main" compile -DHAVE_DECLARED -c -o main1.o "$here/main.c"
    check "declarations" compile -DNAME=recall_declared -c -o declared.o "$here/precision.c"
    check "HFY_NO_SIMD links" link two_plain main1.o declared.o no_simd.o
    check "HFY_NO_SIMD runs" ./two_plain
    check "HFY_MALLOC and HFY_FREE" compile -DHFY_NO_SIMD -DHFY_ONLY_SEP -c -o memory.o "$here/memory.c"
    check "HFY_MALLOC and HFY_FREE link" link memory memory.o
    check "HFY_MALLOC and HFY_FREE run" ./memory
    check "HFY_ONLY_SIM" read_only -DHFY_ONLY_SIM "$here/implementation.c"
    mkdir -p renamed
    cp "$header" renamed/memory_of_ours.h
    printf '#define HFY_FILE "memory_of_ours.h"\n#define HFY_IMPLEMENTATION\n#include "memory_of_ours.h"\n' >renamed/r.c
    check "HFY_FILE: under another name" read_only -DHFY_ONLY_SIM renamed/r.c
    if $CC $flags -march=native -fsyntax-only "$here/main.c" >/dev/null 2>&1; then
        check "-march=native" read_only -march=native "$here/implementation.c"
    else
        skip "-march=native: unknown to $CC"
    fi
    # refused by the preprocessor
    refuse "HFY_STATIC with HFY_API" $CC -E -DHFY_STATIC -DHFY_API=extern "$here/implementation.c"
    refuse "HFY_MALLOC alone" $CC -E "-DHFY_MALLOC(b)=0" "$here/implementation.c"
    refuse "HFY_FREE alone" $CC -E "-DHFY_FREE(p)=0" "$here/implementation.c"
    for fast in __FAST_MATH__ __FINITE_MATH_ONLY__=1 _M_FP_FAST; do
        refuse "$fast" $CC -E -U${fast%=1} -D$fast "$here/implementation.c"
        check "$fast with HFY_FAST_MATH" $CC -E -U${fast%=1} -D$fast -DHFY_FAST_MATH "$here/implementation.c"
    done
    check "and not without them" $CC -E "$here/implementation.c"
    if nm -P static.o >nm.out 2>/dev/null && test -s nm.out; then
        nm -P static.o | awk '$2 ~ /^[A-TV-Z]$/ && $1 !~ /^_?main$/ { print $1 }' >static.list
        check "HFY_STATIC leaves no global symbol" empty static.list
        undefined memory.o | grep -E '^(malloc|calloc|realloc|free)$' >mallocs
        check "HFY_MALLOC keeps malloc out" empty mallocs
        undefined no_simd.o | grep -E '^(fopen|fread|fwrite|fclose|fseek|ftell|printf|fprintf|stdout|stderr)' >stdio
        check "HFY_NO_STDIO keeps stdio out" empty stdio
    else
        skip "symbols: no nm here"
    fi
}

# --- macros, house rules ---
lines=29607 bytes=1522932 spared="wide=1 chains=0" # what hfy.h may have; what rooms.awk lets through
text() {
    if $CC -dM -E "$here/implementation.c" >macros 2>/dev/null && grep -q HFY_VERSION macros; then
        awk '$2 ~ /^HFY_/ { sub(/\(.*/, "", $2); if ($2 ~ /_$/ && $2 != "HFY_IMPLEMENTED_") print $2 }' macros >left
        check "no private macro is left defined" empty left
        $CC -DHFY_DOUBLE -dM -E "$here/implementation.c" |
            awk '$2 ~ /^HFY_/ { sub(/\(.*/, "", $2); if ($2 ~ /_$/ && $2 != "HFY_IMPLEMENTED_") print $2 }' >left
        check "no private macro is left defined, double" empty left
        printf '#include "%s"\n' "$header" >declared.c
        printf '#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n' >standard.c
        $CC -dM -E declared.c | awk '{ sub(/\(.*/, "", $2); print $2 }' | sort -u >with
        $CC -dM -E standard.c | awk '{ sub(/\(.*/, "", $2); print $2 }' | sort -u >without
        comm -23 with without | grep -v '^HFY_' >leaks
        check "declarations define no macro but HFY_..." empty leaks
        grep '_$' with | grep '^HFY_' | grep -v '^HFY_H$' >left
        check "declarations leave no private macro" empty left
        # every macro that the bodies leave is in the manual or in the interface
        sed '/defined(HFY_IMPLEMENTATION)/,$d' "$header" >top
        awk '$2 ~ /^HFY_/ { sub(/\(.*/, "", $2); print $2 }' macros | sort -u | while read -r m; do
            case $m in HFY_IMPLEMENTED_) ;; *) grep -q "$m" top || echo "$m" ;; esac
        done >undocumented
        check "every macro is documented" empty undocumented
    else
        skip "macros: $CC knows no -dM"
    fi

    # scratch that fails at every allocation: whoever takes a work is called there
    awk '/^HFY_API/ { t = ""; d = 1 } d { t = t $0 } d && /;/ { d = 0; if (t ~ /hfy_work \*work/) {
        match(t, /hfy_[a-z0-9_]+\(/); print substr(t, RSTART, RLENGTH) } } /HFY_IMPLEMENTED_/ { exit }' "$header" |
        while read -r f; do grep -q -F "$f" "$here/../test_work.c" || echo "$f"; done >uncalled
    check "test_work.c calls every function with a work" empty uncalled

    # a binding asks for the size of every public struct
    sed '/defined(HFY_IMPLEMENTATION)/,$d' "$header" | sed -n 's/^typedef struct hfy_\([a-z_]*\) {.*/\1/p' | sort >structs
    grep -v '#define' "$header" | grep -o 'HFY_SIZE_([a-z_]*)' | sed 's/.*(//; s/)//' | grep -v -x -e real -e status | sort >sized
    check "hfy_layout knows every public struct" diff structs sized

    # the house rules
    check "at most $lines lines" test "$(wc -l <"$header")" -le "$lines"
    check "at most $bytes bytes" test "$(wc -c <"$header")" -le "$bytes"
    awk -f "$here/rooms.awk" pass=1 $spared "$header" pass=2 "$header" >breaches
    check "house rules" empty breaches
    test -s breaches && head -n 30 breaches
    # the rules notice a breach
    seen() { awk -f "$here/rooms.awk" pass=1 "$1" pass=2 "$1" | wc -l; }
    before=$(seen "$header")
    for breach in \
        's/^HFY_API HFY_SMALL_ const char \*hfy_status_text(hfy_status status) {$/HFY_PRIVATE_ int hfy_base_early_(int x);\n&/' \
        's/^  return bits;$/  hfy_net_check(0, 0, 0); return bits;/' \
        's/^  return bits;$/    printf("x"); return bits;/' \
        's/^  return bits;$/    free(malloc(1)); return bits;/' \
        's/^HFY_PRIVATE_ uint64_t hfy_base_bits_/HFY_PRIVATE_ uint64_t hfy_sep_bits_/' \
        's/^  return bits;$/    __m128 v; return bits;/' \
        "s/^  return bits;$/$(printf '%081d' 0 | sed 's/0/  bits++;\\n/g')&/" \
        's/^HFY_PRIVATE_ uint64_t hfy_base_bits_(/&int a, int b, int c, int d, int e, int f, int g, int h, /' \
        's/^  return bits;$/  bits = 1, x = 2; return bits;/'; do
        sed "$breach" "$header" >broken.h
        check "a breach is seen: $breach" test "$(seen broken.h)" -gt "$before"
    done
}

# --- instruction sets ---
# HFY_ISAS: what is there gives the bits of the whole build, the target's own set is always there
isas() { # NAME SETS EXPECTED: names of the sets, where the target is plain x86-64
    check "HFY_ISAS $1" compile "-DHFY_ISAS=$2" -DHFY_ONLY_NET -DHFY_ONLY_LINALG -o isas "$here/isas.c" $LDLIBS
    ./isas >isas.one || check "HFY_ISAS $1 runs" false
    grep -v '^best' isas.one | grep -vxFf isas.all >isas.other
    check "HFY_ISAS $1: the bits of the whole" empty isas.other
    case $($CC -dumpmachine 2>/dev/null) in x86_64*) ;; *) return ;; esac
    for set in $3; do grep "^$set " isas.all; done | cut -d' ' -f1 >isas.want
    grep -v '^best' isas.one | cut -d' ' -f1 | diff isas.want - >isas.diff
    check "HFY_ISAS $1: these and no others" empty isas.diff
    for set in avx512 avx2 sse2 scalar; do grep "^$set\$" isas.want; done | head -n 1 | sed 's/^/best /' >isas.best
    grep '^best' isas.one | diff isas.best - >isas.diff
    check "HFY_ISAS $1: the best of them" empty isas.diff
}
sets() {
    check "instruction sets" compile -DHFY_ONLY_NET -DHFY_ONLY_LINALG -o isas "$here/isas.c" $LDLIBS
    ./isas >isas.all || check "instruction sets run" false
    check "for size" compile -Os -DHFY_ISAS=HFY_ISAS_SSE2 -DHFY_ONLY_NET -DHFY_ONLY_LINALG -o isas "$here/isas.c" $LDLIBS
    ./isas >isas.one || check "for size, run" false
    grep -v '^best' isas.one | grep -vxFf isas.all >isas.other
    check "for size: the same bits" empty isas.other
    case $flags in
        *-march=* | *-mavx* | *HFY_NO_SIMD*) skip "HFY_ISAS: CC has a target of its own" ;;
        *)
            isas SCALAR HFY_ISAS_SCALAR "scalar sse2"
            isas "SSE2 and NEON" "HFY_ISAS_SSE2|HFY_ISAS_NEON" "sse2"
            isas "SCALAR and AVX2" "HFY_ISAS_SCALAR|HFY_ISAS_AVX2" "scalar sse2 avx2"
            isas AVX512 HFY_ISAS_AVX512 "sse2 avx2 avx512"
            ;;
    esac
}

# --- C++ (strict.sh: other standards, double) ---
cpp() {
    if [ -n "$CXX" ] && $CXX -std=c++11 -fsyntax-only -x c++ "$here/main.c" >/dev/null 2>&1; then
        cpp="-Wall -Wextra -Wshadow -Wconversion"
        check "c++11" $CXX -std=c++11 $cpp -o cpp "$here/cpp.cc" $LDLIBS
        check "C++ runs" ./cpp
    else
        skip "C++: no compiler"
    fi
}

case $part in use | switches | sets | text | cpp) "$part" ;; *) exit 2 ;; esac
echo "compile/$part: $passed passed, $failed failed"
test $failed = 0
