#!/usr/bin/env bash
# matrix.sh DIR [PAIR...]: compilers and machines: all of them, the PAIRs, or `quick` ones. A line each: version of the
# compiler, tests passed and failed, seconds; what is not installed is skipped and said. With TABLE=1 the table in
# docs/porting.md. The tests of float with fewer draws (CHECK_SLOW); those of double where PRECISIONS says so below.
# Last line: `matrix: N passed, N failed`.
dir=$1
shift
wanted=" $* "
here=$(cd "$(dirname "$0")" && pwd)
export WINEPREFIX=$here/$dir/wine WINEDEBUG=-all OMP_NUM_THREADS=1
mkdir -p "$dir"
printf '#include <math.h>\nint main(void) { return 0; }\n' >"$dir/known.c"
passed=0 failed=0

[ -z "${TABLE-}" ] || printf '| | compiler | flags | passed | failed |\n| --- | --- | --- | ---: | ---: |\n'
line() { # NAME COMPILER FLAGS PASSED FAILED SECONDS
    passed=$((passed + $4)) failed=$((failed + $5))
    if [ -n "${TABLE-}" ]; then
        printf '| %s | %s | %s | %s | %s |\n' "$1" "$2" "$3" "$4" "$5"
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
version() { echo "${1##*/}$({ $1 --version 2>/dev/null || $1 -v; } 2>&1 | grep -o ' [0-9][0-9.]*' | head -n 1)"; }
# pair NAME [quick:]"TOOL..." CC "CFLAGS" "FILES" [MAKE'S VARIABLES...]
pair() {
    name=$1 quick= tools=${2#quick:} cc=$3 flags=$4 files=$5
    [ "$tools" = "$2" ] || quick=quick
    shift 5
    begin "$name" "$tools" $quick || return 0
    if ! $cc $flags -o "$dir/known" "$dir/known.c" -lm >"$log" 2>&1; then
        echo "$name: $cc finds no C library here, skipped"
        return
    fi
    ${MAKE:-make} --no-print-directory -C "$here" B="$dir/$name" CHECKS= PRECISIONS=float NAMES="$files" CC="$cc" \
        CFLAGS="$flags -DCHECK_SLOW" "$@" all >"$log" 2>&1
    set -- $(tail -n 2 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p') 0 1
    line "$name" "$(version "${tools%% *}")" "$flags" "$1" "$2" $(($(date +%s) - start))
    [ "$2" = 0 ] || grep -B 7 'FAIL\|status [1-9]\|rror:' "$log" | head -n 60
}
# reads NAME TOOL COMMAND FLAGS...: compiles, once for each FLAGS
reads() {
    name=$1 tool=$2 command=$3 good=0 bad=0
    shift 3
    begin "$name" "$tool" quick || return 0
    for flags; do
        if $command $flags >"$log" 2>&1; then good=$((good + 1)); else bad=$((bad + 1)); head -n 20 "$log"; fi
    done
    line "$name" "$(version "$tool")" "compiled only" $good $bad $(($(date +%s) - start))
}

all=$(cd "$here" && echo test_*.c | sed 's/test_\([a-z_]*\)\.c/\1/g')
linked=$(cd "$here" && grep -l TEST_LINKED test_*.c | sed 's/test_\([a-z_]*\)\.c/\1/')
some="base sim post net recall sep sep_grad structure linalg file simd" # under emulators, some thirty times slower
few="base sim file"
emulated() { # NAME [quick:]TARGET EMULATOR "CFLAGS" "FILES" [MAKE'S VARIABLES...]
    pair "$1" "$2-gcc $3" "${2#quick:}-gcc" "-O1 -static${4:+ $4}" "$5" RUNNER="$3" "${@:6}"
}

# gcc and clang: standards, optimisation, targets; with LIBRARY the bodies alone are compiled so
pair gcc-c99      "gcc" gcc "-std=c99 -O2" "$all"
pair gcc-c11-O0   "gcc" gcc "-std=c11 -O0" "$linked"
pair gcc-c17-O3   "gcc" gcc "-std=c17 -O3" "$linked"
pair gcc-c99-Os   "gcc" gcc "-std=c99 -Os" "$linked simd index gemm" PRECISIONS="float double"
pair gcc-gnu-v3   "gcc" gcc "-std=gnu17 -O2 -march=x86-64-v3" "$linked simd index gemm"
pair gcc-gnu-v4   "gcc" gcc "-std=gnu17 -O2 -march=x86-64-v4" "$linked simd index gemm"
fused="-std=gnu99 -O2 -march=native -ffp-contract=fast -DHFY_NO_SIMD" # gcc fuses nothing at -O1: LIGHT
pair fused        "gcc" gcc "$fused" "$all" 'LIGHT=$(FLAGS)'
pair fused        "gcc" gcc "$fused" \
    "sep sep_any sep_grad sep_losses structure net net_energy theory linalg eigen rate" PRECISIONS=double 'LIGHT=$(FLAGS)'
pair gcc-lto      "gcc" gcc "-std=c99 -O2 -flto" "base simd net"
pair clang-c99-O1 "clang" clang "-std=c99 -O1" "$linked"
pair clang-c11-O3 "clang" clang "-std=c11 -O3" "$linked simd index gemm"
pair clang-native "clang" clang "-std=gnu17 -O2 -march=native" "$linked simd index gemm"
for std in 11 17 20; do
    pair g++-$std "g++ gcc" gcc "-std=c99 -O1" "$linked" LIBRARY="g++ -x c++ -std=c++$std -O1"
    pair clang++-$std "clang++ gcc" gcc "-std=c99 -O1" "$linked" LIBRARY="clang++ -x c++ -std=c++$std -O1"
done
# -Weverything but: padding, == that means equal, macros of libc, casts of what a function returns, switches with a
# default, what clang cannot see to be set, scratch behind a const pointer
reads everything clang "clang -std=c99 -fsyntax-only -Werror -Weverything -Wno-padded -Wno-float-equal
    -Wno-used-but-marked-unused -Wno-bad-function-cast -Wno-switch-enum -Wno-conditional-uninitialized -Wno-cast-qual
    -Wno-tautological-value-range-compare $here/compile/implementation.c" "" -DHFY_DOUBLE
# other compilers and C libraries
pair tcc          quick:"tcc" tcc "" "$some post shard layer"
pair tcc-rest     "tcc" tcc "" "${all/ kernel/}" # kernel trains for minutes without an optimiser
pair musl         "musl-gcc" musl-gcc "-std=c99 -O1 -static" "$linked"
# other machines
x87="-mfpmath=387 -mno-sse -DHFY_NO_SIMD" # registers wider than double: the harder half of i686
emulated i686-x87 quick:i686-linux-gnu qemu-i386 "$x87" "$few net sep_grad"
emulated i686-x87-rest i686-linux-gnu qemu-i386 "$x87" "$some theory"
emulated i686     i686-linux-gnu qemu-i386 "-msse2 -mfpmath=sse" "$few net linalg"
emulated aarch64  quick:aarch64-linux-gnu qemu-aarch64 "" "simd gemm plain"
emulated aarch64-rest aarch64-linux-gnu qemu-aarch64 "" "$some index" PRECISIONS="float double"
emulated armv7    arm-linux-gnueabihf qemu-arm "" "$some"
emulated riscv64  quick:riscv64-linux-gnu qemu-riscv64 "" "$few"
emulated s390x    quick:s390x-linux-gnu qemu-s390x "" "$few"
exe='exe() { wine $$1.exe; }; exe'
pair mingw        "x86_64-w64-mingw32-gcc wine" x86_64-w64-mingw32-gcc "-O1" "$some" RUNNER="$exe"
pair wasm         quick:"clang wasm-ld node" "clang --target=wasm32-wasi" "-O1" "$few" \
    RUNNER="node --no-warnings --experimental-wasi-unstable-preview1 compile/wasi.mjs"

# Microsoft: headers of our own stand for theirs (compile/msvc.h); what clang-cl makes is linked with mingw's libraries
for h in math stdio stdlib string malloc intrin; do
    mkdir -p "$dir/msvc" && cp "$here/compile/msvc.h" "$dir/msvc/$h.h"
done
cl="-ffreestanding -nostdlibinc -I $here/$dir/msvc"
reads clang-cl clang "clang $cl -Wall -Wextra -Werror -c -o $dir/cl.o $here/compile/implementation.c" \
    "--target=x86_64-pc-windows-msvc" "--target=x86_64-pc-windows-msvc -DHFY_NO_SIMD" \
    "--target=i686-pc-windows-msvc -msse2" "--target=aarch64-pc-windows-msvc"
as_cl() { # nearly: clang without its name, and none of gcc's words in our lines
    set -- "$@" $cl -U__clang__ -U__aarch64__ "$here/compile/implementation.c"
    clang "$@" -Wall -Wextra -Werror -Wno-unused-function -fsyntax-only &&
        ! clang "$@" -E | awk '/^# [0-9]/ { ours = /hfy\.h/ } ours && !/^#/' |
        grep '__attribute__\|__asm\|__builtin_[a-hj-uw-z]\|__typeof\|_Pragma'
}
reads cl clang as_cl "--target=x86_64-pc-windows-msvc" "--target=x86_64-pc-windows-msvc -DHFY_NO_SIMD -DHFY_DOUBLE" \
    "--target=i686-pc-windows-msvc -msse2" "--target=aarch64-pc-windows-msvc"
pair clang-cl-wine "clang x86_64-w64-mingw32-gcc wine" x86_64-w64-mingw32-gcc "-O1" "$linked" RUNNER="$exe" \
    LIBRARY="clang $cl --target=x86_64-pc-windows-msvc -O1" \
    LDLIBS="-lm -Wl,--defsym=__chkstk=___chkstk_ms -Wl,--defsym=_fltused=0"
# no operating system: it links, without a heap and without files (weight.sh: what it weighs)
reads cortex-m4 arm-none-eabi-gcc "arm-none-eabi-gcc -std=c99 -Os -mcpu=cortex-m4 -mthumb --specs=rdimon.specs
    -ffunction-sections -Wl,--gc-sections $here/../examples/embedded.c -lm -o $dir/embedded" "" -DHFY_PLAIN -DHFY_DOUBLE

[ -n "${TABLE-}" ] || echo "matrix: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
