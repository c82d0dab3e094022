#!/bin/sh
# checksum.sh DIR OLD NEW: builds checksum.c with two versions of hfy.h in DIR, float and double, runs both on every
# instruction set of this machine and prints the names whose hashes differ; status 1 if one of them promises equal bits.
# CC, CFLAGS, LDLIBS, PRECISIONS, ISAS: yours to set. An unchanged header is not built again.
set -eu
dir=$1 old=$2 new=$3
[ -f "$old" ] || { echo "checksum: OLD=path/to/old/hfy.h, not '$old'"; exit 1; }
CC=${CC:-cc} CFLAGS=${CFLAGS:--O2} LDLIBS=${LDLIBS:--lm} PRECISIONS=${PRECISIONS:-float double}
ISAS=${ISAS:-scalar sse2 avx2 avx512 neon}
mkdir -p "$dir"

# program HEADER PRECISION: its path, built if it is not there yet
program() {
    header=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
    define=$([ "$2" = double ] && echo -DHFY_DOUBLE || true)
    layer=$(grep -q hfy_layer_forward "$header" || echo -DNO_LAYER)
    alone=$(grep -q hfy_index_top "$header" || echo -DNO_ALONE)
    key=$(cat "$header" checksum.c | cksum | tr ' ' -)
    at=$dir/$(printf '%s' "$CC $CFLAGS" | cksum | cut -d' ' -f1)-$key-$2
    [ -x "$at" ] || $CC $CFLAGS $define $layer $alone -DHFY_UNDER_TEST="\"$header\"" -DHFY_FILE="\"$header\"" \
        -o "$at" checksum.c $LDLIBS || exit 1
    echo "$at"
}

: >"$dir/differ"
: >"$dir/same"
for precision in $PRECISIONS; do
    a=$(program "$old" "$precision")
    b=$(program "$new" "$precision")
    for isa in $ISAS; do
        "$a" "$isa" >"$dir/old.txt" || { echo "$a $isa: status $?"; exit 1; }
        "$b" "$isa" >"$dir/new.txt" || { echo "$b $isa: status $?"; exit 1; }
        grep -q ' absent' "$dir/old.txt" && cmp -s "$dir/old.txt" "$dir/new.txt" && continue
        # lines of functions without a slash count; the finer ones only tell where
        awk -v where="$precision $isa" -v same="$dir/same" -v differ="$dir/differ" '
            NR == FNR { old[$1] = $2; next }
            { new[$1] = $2 }
            END {
                for (n in old) if (!(n in new)) new[n] = ""
                for (n in new) {
                    if (old[n] == new[n]) { if (n !~ "/") print where, n >>same }
                    else print where, n (old[n] == "" ? " new" : new[n] == "" ? " gone" : "") >>differ
                }
            }' "$dir/old.txt" "$dir/new.txt"
    done
done
sort -o "$dir/differ" "$dir/differ"
cat "$dir/differ"
echo "checksum: $(wc -l <"$dir/same") same, $(grep -vc / "$dir/differ" || true) differ"
# these may move in their last places
! grep -v -q -e / -e ' hfy_eigen' -e ' hfy_\(linalg\|theory\|binary\|kernel\|rate\)_' "$dir/differ"
