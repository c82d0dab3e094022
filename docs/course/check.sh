#!/bin/sh
# check.sh check|refresh NAME...: chapters (NAME.md) as fill.awk makes them, pictures (NAME) as gnuplot draws NAME.gp
# from what the program NAME printed. check: are they here so? refresh: from now on they are. BUILD: where outputs are.
how=$1
shift
passed=0 failed=0
BUILD=${BUILD:-build}
pass() { passed=$((passed + 1)); }
fail() { echo "  FAIL $*"; failed=$((failed + 1)); }

# same NEW OLD: compares them, or puts the new in place of the old
same() {
    if cmp -s "$1" "$2"; then pass
    elif [ "$how" = refresh ]; then cp "$1" "$2" && echo "  new: $2" && pass
    else
        fail "$2 is not what it should be; make -C docs/course refresh:"
        diff "$2" "$1" | head -n 20
    fi
}
# The line that says by which gnuplot a picture was drawn: others place its labels differently.
by() { sed -n '/Produced by GNUPLOT/{p;q;}' "$1"; }

draws=yes
if ! command -v gnuplot >/dev/null 2>&1; then
    draws=
    echo "  skipped: pictures, there is no gnuplot here"
fi
for name; do
    case $name in
    *.md)
        if awk -v header=../../hfy.h -v build="$BUILD" -f fill.awk "$name" >"$BUILD/$name"; then
            same "$BUILD/$name" "$name"
        else
            fail "$name: see above"
        fi ;;
    *)
        lines=$(wc -l <"$name.c")
        if [ "$lines" -lt 60 ]; then pass; else fail "$name.c has $lines lines; it should have less than 60"; fi
        [ -n "$draws" ] || continue
        if ! gnuplot -e "data='$BUILD/$name.out'; set output '$BUILD/$name.svg'" style.gp "$name.gp" \
            >"$BUILD/log" 2>&1 || [ -s "$BUILD/log" ]; then
            fail "$name.gp: $(cat "$BUILD/log")"
        elif [ "$how" = check ] && [ "$(by "$BUILD/$name.svg")" != "$(by "$name.svg")" ]; then
            echo "  skipped: $name.svg, drawn by another gnuplot"
        else
            same "$BUILD/$name.svg" "$name.svg"
        fi ;;
    esac
done
echo "course: $passed passed, $failed failed"
[ "$failed" = 0 ]
