#!/usr/bin/env bash
# weight.sh [DIR]: what hfy.h weighs: seconds to compile (user), memory of the compiler, KB of code, for the whole header
# and for what smaller programs take of it; examples/hello.c also as a static program (musl-gcc) and on a Cortex-M4F
# (arm-none-eabi-gcc), where those are. CC. With a compiler that weight.txt knows, code and memory may be 10 % over what
# is recorded there and no more; `weight.sh --record` prints lines for it. `weight.sh --rooms`: each room alone, too.
# Prints `weight: N passed, N failed`.
record= rooms=
[ "${1-}" = --record ] && record=1 && shift
[ "${1-}" = --rooms ] && rooms=1 && shift
dir=${1:-build/weight}
here=$(cd "$(dirname "$0")" && pwd)
CC=${CC:-cc}
mkdir -p "$dir"
passed=0 failed=0
TIMEFORMAT=%U
identify() { # compiler: gcc-12-x86_64-linux-gnu
    version=$($CC -dumpfullversion -dumpversion 2>/dev/null)
    kind=$($CC --version 2>/dev/null | grep -qi clang && echo clang || echo gcc)
    compiler="$kind-${version%%.*}-$($CC -dumpmachine)"
}
identify
limit() { [ "$1" -le $(($2 + $2 / 10)) ] && passed=$((passed + 1)) || failed=$((failed + 1)); }

# weigh NAME SOURCE FLAGS...: compiles SOURCE, and links it where a FLAG is -static
weigh() {
    name=$1 source=$2 only=-c
    shift 2
    object=$dir/$name.o
    case "$*" in *-static*) only= ;; esac
    set -- $CC -std=c99 "$@" $only -o "$object" "$source"
    [ -n "$only" ] || set -- "$@" -lm
    if [ -x /usr/bin/time ]; then
        measured=$(/usr/bin/time -f '%U %M' "$@" 2>&1) || { echo "$measured"; exit 2; }
        measured=$(echo "$measured" | tail -n 1)
        seconds=${measured% *} memory=$((${measured#* } / 1024))
    else
        seconds=$({ time "$@" >"$dir/log" 2>&1; } 2>&1) || { cat "$dir/log"; exit 2; }
        memory=-
    fi
    code=$(size "$object" | awk 'NR == 2 { print int(($1 + $2 + 512) / 1024) }')
    [ -n "$record" ] && { echo "$compiler $name $code $memory"; return; }
    was=$(awk -v c="$compiler" -v n="$name" '$1 == c && $2 == n { print $3 " KB, " $4 " MB" }' "$here/weight.txt")
    printf '  %-22s %6s s  %5s MB  %5d KB of code%s\n' "$name" "$seconds" "$memory" "$code" "${was:+; recorded: $was}"
    [ -n "$was" ] || return
    limit "$code" "${was%% *}"
    was=${was#*, } was=${was% MB}
    [ "$memory" = - ] || [ "${was:--}" = - ] || limit "$memory" "$was"
}

[ -n "$record" ] || echo "$compiler"
printf '#include "%s/../hfy.h"\nint main(void) { return 0; }\n' "$here" >"$dir/client.c"
weigh all "$here/compile/implementation.c" -O2
weigh all-plain-c "$here/compile/implementation.c" -O2 -DHFY_NO_SIMD
weigh plain-walk "$here/compile/implementation.c" -O2 -DHFY_PLAIN
weigh only-net "$here/compile/implementation.c" -O2 -DHFY_ONLY_NET
weigh only-net-plain-c "$here/compile/implementation.c" -O2 -DHFY_ONLY_NET -DHFY_NO_SIMD
weigh hello "$here/../examples/hello.c" -O2
weigh hello-small "$here/../examples/hello.c" -Os -DHFY_NO_SIMD
weigh client "$dir/client.c" -O2
[ -n "$rooms" ] && for room in $(sed -n 's/^#if defined(HFY_ONLY_\([A-Z]*\)) ||.*/\1/p' "$here/../hfy.h"); do
    weigh "only-$room" "$here/compile/implementation.c" -O2 "-DHFY_ONLY_$room"
done
if command -v musl-gcc >/dev/null; then
    CC=musl-gcc
    small="-Os -static -fno-asynchronous-unwind-tables -fno-unwind-tables -ffunction-sections -fdata-sections -Wl,--gc-sections"
    weigh hello-static "$here/../examples/hello.c" $small
    weigh hello-static-plain-c "$here/../examples/hello.c" $small -DHFY_NO_SIMD
    # what the smallest program may have, in bytes with libc and libm
    [ -n "$record" ] || for most in hello-static=100000 hello-static-plain-c=72000; do
        code=$(size "$dir/${most%=*}.o" | awk 'NR == 2 { print $1 }')
        [ "$code" -le "${most#*=}" ] && passed=$((passed + 1)) || { failed=$((failed + 1)); echo "  FAIL $most: $code"; }
    done
fi
if command -v arm-none-eabi-gcc >/dev/null; then
    CC=arm-none-eabi-gcc
    identify
    small="-Os -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard"
    weigh hello-cortex-m4f "$here/../examples/hello.c" $small
    weigh embedded-cortex-m4f "$here/../examples/embedded.c" $small -DHFY_PLAIN # no heap, no files, the walk alone
fi
[ -n "$record" ] && exit 0
echo "weight: $passed passed, $failed failed"
[ "$failed" = 0 ]
