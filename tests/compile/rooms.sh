# rooms.sh DIR: each room of hfy.h alone, with what >>modules brings along: compiles with every warning as an error, holds
# the public functions of those rooms and no others, and passes its tests (with the rooms that these call besides). CC, KNOWN (warning flags that CC knows),
# LDLIBS. Prints `rooms: N passed, N failed`.
here=$(cd "$(dirname "$0")" && pwd)
header=$here/../../hfy.h
mkdir -p "$1" && cd "$1" && rm -rf -- *.log jobs || exit 2
CC=${CC:-cc} LDLIBS=${LDLIBS--lm}
rooms=$(sed -n 's/^#if defined(HFY_ONLY_\([A-Z]*\)) ||.*/\1/p' "$header")
# room, then each public function that stands between its guards above the bodies
sed '/defined(HFY_IMPLEMENTATION)/,$d' "$header" | awk '
    /^#ifdef HFY_HAS_[A-Z]+_$/ { room = substr($0, 16, length($0) - 16) }
    /^#endif \/\* HFY_HAS_/ { room = "" }
    /^HFY_API / && match($0, /hfy_[a-z0-9_]*\(/) { print (room ? room : "ALWAYS"), substr($0, RSTART, RLENGTH - 1) }' >public
# what a room's tests call besides
besides() {
    case $1 in
    INDEX | BINARY | KERNEL | RATE) echo -DHFY_ONLY_NET ;;
    LAYER) echo -DHFY_ONLY_STRUCTURE -DHFY_ONLY_TRAIN ;;
    STRUCTURE) echo -DHFY_ONLY_THEORY ;;
    SEP) echo -DHFY_ONLY_NET -DHFY_ONLY_STRUCTURE ;;
    NET | SHARD) echo -DHFY_ONLY_INDEX -DHFY_ONLY_STRUCTURE ;;
    esac
}
: >jobs
for room in $rooms; do
    cat >"$room.sh" <<EOF
fail() { echo "  FAIL HFY_ONLY_$room: \$*"; exit 1; }
$CC $KNOWN -Werror -O0 -DHFY_ONLY_$room -c -o $room.o "$here/implementation.c" || fail "does not compile alone"
$CC $KNOWN -Werror -DHFY_ONLY_$room -DHFY_DOUBLE -DHFY_NO_SIMD -fsyntax-only "$here/implementation.c" || fail "double, plain"
for blas in -UHFY_SGEMM "-DHFY_SGEMM=s -DHFY_DGEMM=d"; do
    $CC \$blas -DHFY_ONLY_$room -dM -E "$here/implementation.c" | sed 's/(.*//' | grep '^#define HFY_[A-Z0-9_]*_\( .*\)*$' |
        grep -v HFY_IMPLEMENTED_ && fail "private macros are left defined"
done
printf '#define HFY_ONLY_$room\n#include "%s"\n' "$header" | $CC -E -P -x c - >$room.i || fail "cannot be read"
tr ';' '\n' <$room.i | grep -o 'hfy_[a-z0-9_]*(' | tr -d '(' | sort -u >$room.seen
{ echo ALWAYS; sed -n '/^#if defined(HFY_ONLY_$room) ||/,/^#endif/s/^#define HFY_HAS_\([A-Z]*\)_/\1/p' "$header"; } >$room.brings
# what it brings brings more
for again in 1 2 3 4; do
    for r in \$(cat $room.brings); do
        sed -n "/^#if defined(HFY_ONLY_\$r) ||/,/^#endif/s/^#define HFY_HAS_\([A-Z]*\)_/\1/p" "$header"
    done >>$room.brings
    sort -u -o $room.brings $room.brings
done
awk 'NR == FNR { has[\$1] = 1; next } has[\$1] { print \$2 }' $room.brings public | sort >$room.wanted
if nm -P $room.o >$room.nm 2>/dev/null; then
    awk '\$2 == "T" { sub(/^_/, "", \$1); print \$1 }' $room.nm | sort >$room.found
    diff $room.wanted $room.found || fail "other functions than those of \$(cat $room.brings)"
fi
name=$(echo "$room" | tr A-Z a-z)
for t in "$here"/../test_\$name.c "$here"/../test_\${name}_*.c; do
test -f "\$t" || continue
$CC $KNOWN -O1 -DHFY_STATIC= -DHFY_NO_SIMD -DCHECK_SLOW -DHFY_ONLY_$room $(besides "$room") -o $room.test "\$t" $LDLIBS || fail "its test needs other rooms"
./$room.test >$room.out || { cat $room.out; fail "its test"; }
done
EOF
    echo "$room.sh" >>jobs
done
at_once=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
xargs -n 1 -P "$at_once" sh -c 'sh "$0" >"$0.log" 2>&1 || touch "$0.broken"' <jobs
failed=$(ls | grep -c 'broken$')
total=$(wc -l <jobs)
cat ./*.sh.log
rm -f ./*.broken
echo "rooms: $((total - failed)) passed, $failed failed"
test "$failed" = 0 && test "$total" -gt 10
