#!/usr/bin/env bash
# matrix.sh DIR [PAIR...]: compilers and machines: all of them, the PAIRs, or `quick` ones. A line each: version of the
# compiler, tests passed and failed, seconds; what is not installed is skipped and said. With TABLE=1 rows of the table in
# docs/porting.md. The tests of float with fewer draws (CHECK_SLOW); those of double where PRECISIONS says so below.
# Last line: `matrix: N passed, N failed`.
dir=$1
shift
wanted=" $* "
here=$(cd "$(dirname "$0")" && pwd)
export WINEPREFIX=$here/$dir/wine WINEDEBUG=-all OMP_NUM_THREADS=1
mkdir -p "$dir"
passed=0 failed=0

line() { # NAME COMPILER FLAGS PASSED FAILED SECONDS
    passed=$((passed + $4)) failed=$((failed + $5))
    if [ -n "${TABLE-}" ]; then
        printf '| %s | %s | `%s` | %s | %s | %s |\n' "$@"
    else
        printf '%-14s %-28s %5d passed %3d failed %4d s  %s\n' "$1" "$2" "$4" "$5" "$6" "$3"
    fi
}
# begin NAME "TOOL..." [quick]: is it asked for, and are the tools here?
begin() {
    case $wanted in "  " | *" $1 "*) ;; *" quick "*) [ "${3-}" = quick ] || return 1 ;; *) return 1 ;; esac
    for tool in $2; do
        command -v "${tool##* }" >/dev/null || { echo "$1: no $tool here, skipped"; return 1; }
    done
    start=$(date +%s) log=$dir/$1.log
}
version() { echo "${1##*/} $({ $1 --version 2>/dev/null || $1 -v; } 2>&1 | grep -o '[0-9][0-9]*\.[0-9.]*[0-9]' | head -n 1)"; }
# pair NAME [quick:]"TOOL..." CC "CFLAGS" "FILES" [MAKE'S VARIABLES...]
pair() {
    name=$1 quick= tools=${2#quick:} cc=$3 flags=$4 files=$5
    [ "$tools" = "$2" ] || quick=quick
    shift 5
    begin "$name" "$tools" $quick || return 0
    : >"$log"
    ${MAKE:-make} --no-print-directory -C "$here" B="$dir/$name" CHECKS= PRECISIONS=float NAMES="$files" CC="$cc" \
        CFLAGS="$flags -DCHECK_SLOW" "$@" all >"$log" 2>&1
    set -- $(tail -n 2 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p') 0 1
    line "$name" "$(version "${tools%% *}")" "$flags" "$1" "$2" $(($(date +%s) - start))
    [ "$2" = 0 ] || grep -B 7 'FAIL\|ended with\|rror' "$log" | head -n 60
}
# reads NAME "TOOL" COMMAND FLAGS...: compiles, once for each FLAGS
reads() {
    name=$1 tool=$2 command=$3 good=0 bad=0
    shift 3
    begin "$name" "$tool" quick || return 0
    for flags; do
        if $command $flags >"$log" 2>&1; then good=$((good + 1)); else bad=$((bad + 1)); cat "$log"; fi
    done
    line "$name" "$(version "$tool")" "$command" $good $bad $(($(date +%s) - start))
}

all=$(cd "$here" && echo test_*.c | sed 's/test_\([a-z_]*\)\.c/\1/g; s/pictures\|plainly//g')
linked=$(cd "$here" && grep -l TEST_LINKED test_*.c | sed 's/test_\([a-z_]*\)\.c/\1/')
some="base sim post net recall sep sep_grad structure linalg file simd" # under emulators, some thirty times slower
few="base sim file"
emulated() { # NAME [quick:]TARGET EMULATOR "CFLAGS" "FILES"
    pair "$1" "$2-gcc $3" "${2#quick:}-gcc" "-O1 -static $4" "$5" RUNNER="$3"
}

# gcc and clang: standards, optimisation, targets; with LIBRARY the bodies alone are compiled so
pair gcc-c99      "gcc" gcc "-std=c99 -O2" "$all"
pair gcc-c11-O0   "gcc" gcc "-std=c11 -O0" "$linked"
pair gcc-c17-O3   "gcc" gcc "-std=c17 -O3" "$linked"
pair gcc-gnu-v3   "gcc" gcc "-std=gnu17 -O2 -march=x86-64-v3" "$linked simd index gemm"
pair gcc-gnu-v4   "gcc" gcc "-std=gnu17 -O2 -march=x86-64-v4" "$linked simd index gemm"
pair fused        "gcc" gcc "-std=gnu99 -O2 -march=native -ffp-contract=fast -DHFY_NO_SIMD" "$all" PRECISIONS="float double"
pair gcc-lto      "gcc" gcc "-std=c99 -O2 -flto" "base simd net"
pair clang-c99-O1 "clang" clang "-std=c99 -O1" "$linked"
pair clang-c11-O3 "clang" clang "-std=c11 -O3" "$linked simd index gemm"
pair clang-native "clang" clang "-std=gnu17 -O2 -march=native" "$linked simd index gemm"
for std in 11 17 20; do
    pair g++-$std "g++ gcc" gcc "-std=c99 -O1" "$linked" LIBRARY="g++ -x c++ -std=c++$std -O1"
    pair clang++-$std "clang++ gcc" gcc "-std=c99 -O1" "$linked" LIBRARY="clang++ -x c++ -std=c++$std -O1"
done
# what -Weverything adds to compile/strict.sh's warnings, but for: C++98's and C23's opinions, padding, comparisons that
# mean equality, enums' switches without a default, covered ones with one, reserved names, old C's order of declarations
reads everything "clang" "clang -std=c99 -fsyntax-only -Werror -Weverything -Wno-padded -Wno-float-equal $here/compile/implementation.c" "" -DHFY_DOUBLE
# other compilers and C libraries
pair tcc          quick:"tcc" tcc "" "$all"
pair musl         "musl-gcc" musl-gcc "-std=c99 -O1 -static" "$linked"
# other machines
pair i686         quick:"i686-linux-gnu-gcc qemu-i386" i686-linux-gnu-gcc "-O1 -static -msse2 -mfpmath=sse" "$some" RUNNER=qemu-i386
pair i686-x87     "i686-linux-gnu-gcc qemu-i386" i686-linux-gnu-gcc "-O1 -static -mfpmath=387 -mno-sse -DHFY_NO_SIMD" "$some" RUNNER=qemu-i386
emulated aarch64  quick:aarch64-linux-gnu qemu-aarch64 "" "$some index plain"
emulated armv7    arm-linux-gnueabihf qemu-arm "" "$some"
emulated riscv64  quick:riscv64-linux-gnu qemu-riscv64 "" "$few"
emulated s390x    quick:s390x-linux-gnu qemu-s390x "" "$few"
exe='exe() { wine $$1.exe; }; exe'
pair mingw        "x86_64-w64-mingw32-gcc wine" x86_64-w64-mingw32-gcc "-O1" "$some" RUNNER="$exe"
pair wasm         quick:"clang wasm-ld node" "clang --target=wasm32-wasi" "-O1" "$few" \
    RUNNER="node --no-warnings compile/wasi.mjs"
