# check.sh DIR: installs hfy.h under DIR, moves it, and uses it by CMake and by pkg-config; then uninstalls it. What is not
# there is skipped. Prints `install: N passed, N failed`. CC.
here=$(cd "$(dirname "$0")" && pwd)
CC=${CC:-cc} passed=0 failed=0
rm -rf "$1"
mkdir -p "$1" && cd "$1" || exit 2
dir=$PWD
version=$(sed -n 's/^#define HFY_VERSION "\(.*\)"/\1/p' "$here/../../hfy.h")
# check NAME COMMAND...: succeeds; refuse: fails
check() { name=$1; shift; if "$@" >log 2>&1; then passed=$((passed + 1)); else fail "$name"; fi; }
refuse() { name=$1; shift; if "$@" >log 2>&1; then fail "$name"; else passed=$((passed + 1)); fi; }
fail() { failed=$((failed + 1)); echo "  FAIL $1"; tail -n 20 log; }
prints() { # NAME PROGRAM BYTES
    check "$1 runs" test "$($2)" = "$version $version $3 $3: 1 1 -1 -1"
}
examples() { # -O0 and no vectors: in seconds
    MAKEFLAGS='' make --no-print-directory -C "$here/../../examples" "$@" BUILD="$dir/build" PREFIX=/opt/hfy CC="$CC" \
        CFLAGS='-O0 -DHFY_NO_SIMD' LIBRARIES='libhfy.a libhfy_d.a'
}

mkdir -p stage/opt/hfy/include && : >stage/opt/hfy/include/other.h
check "install" examples install DESTDIR="$dir/stage"
mkdir "moved to" && mv stage/opt/hfy "moved to/hfy" # no path of this machine is in it
prefix="$dir/moved to/hfy"
if command -v cmake >/dev/null; then
    configure() { cmake -S "$here" -B cmake -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$CC" -DASK="$1"; }
    refuse "another minor version" configure 0.0.1
    refuse "a later patch" configure "${version%.*}.99"
    refuse "another major version" configure 7
    rm -rf cmake
    check "cmake, any version" configure ""
    check "cmake, this version" configure "$version"
    check "cmake, this minor version" configure "${version%.*}"
    check "cmake --build" cmake --build cmake
    prints "cmake hfy::hfy" cmake/header 4
    prints "cmake hfy::static" cmake/compiled 4
    prints "cmake hfy::static_d" cmake/compiled_double 8
    check "a shared library" test -f cmake/libshared.so
else
    echo "  skipped: no cmake here"
fi
pkg=$(command -v pkg-config || command -v pkgconf || true)
if [ -n "$pkg" ]; then
    export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
    with() { # PACKAGE OUT FLAGS...
        package=$1 out=$2
        shift 2
        flags=$($pkg --cflags --libs "$package") || return 1
        # the prefix has a blank in it, which pkg-config writes with a \ before it
        eval "$CC -std=c99 $* '$here/client.c' -o $out $flags"
    }
    check "pkg-config --modversion" test "$($pkg --modversion hfy)" = "$version"
    check "pkg-config hfy" with hfy one -DHFY_IMPLEMENTATION -DHFY_STATIC -DHFY_ONLY_NET -DHFY_NO_SIMD
    prints "pkg-config hfy" ./one 4
    check "pkg-config hfy-static" with hfy-static two
    prints "pkg-config hfy-static" ./two 4
    check "pkg-config hfy-static-d" with hfy-static-d three
    prints "pkg-config hfy-static-d" ./three 8
else
    echo "  skipped: no pkg-config here"
fi
mkdir -p stage/opt && mv "$prefix" stage/opt/hfy
check "uninstall" examples uninstall DESTDIR="$dir/stage"
check "uninstall leaves what is not ours, and that alone" test "$(cd stage && find . -type f)" = "./opt/hfy/include/other.h"
check "uninstall twice" examples uninstall DESTDIR="$dir/stage"
echo "install: $passed passed, $failed failed"
[ "$failed" = 0 ]
