#!/bin/sh
# check.sh BUILD: runs the examples in BUILD and holds what they say against what is known. Exit status 1 on a mismatch.
# Only facts that hold in both precisions and with every compiler: nothing here is near a threshold.
build=$1
out=$build/check.out
passed=0 failed=0

result() { # result OK WHAT
    if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "  FAIL $2"; fi
}
run() { # run STATUS PROGRAM ARGUMENTS...: runs it, checks its exit status
    want=$1 program=$2
    shift 2
    last="$program $*"
    "$build/$program" "$@" >"$out" 2>&1
    got=$?
    [ $got = "$want" ]; result $? "$last: exit status $got, not $want"
}
says() { # says PATTERN: the last output has a line with this
    grep -q -e "$1" "$out"; result $? "$last: should say: $1"
}

# Holds a PNG against its own header and sums: one stored block a row, Adler-32 of the rows (awk), CRC-32 of the pixels'
# chunk (as gzip computes it).
png() { # png FILE WIDTH HEIGHT
    row=$(($2 + 1)) idat=$((2 + $3 * ($2 + 6) + 4))
    [ $(($(wc -c <"$1"))) = $((8 + 25 + 12 + idat + 12)) ]
    result $? "$last: a sheet of $2 x $3 cannot have the length of $1"
    od -An -v -tu1 "$1" | awk -v row=$row -v height="$3" '
        { for (i = 1; i <= NF; i++) byte[n++] = $i }
        function number(at) { return ((byte[at] * 256 + byte[at + 1]) * 256 + byte[at + 2]) * 256 + byte[at + 3] }
        END {
            bad = byte[0] != 137 || byte[1] != 80 || byte[2] != 78 || byte[3] != 71 || number(16) != row - 1
            bad = bad || number(20) != height || byte[24] != 8 || byte[25] != 0 || (byte[41] * 256 + byte[42]) % 31
            at = 43; a = 1
            for (y = 0; y < height; y++) {
                bad = bad || byte[at] != (y == height - 1) || byte[at + 1] + 256 * byte[at + 2] != row
                bad = bad || byte[at + 1] + byte[at + 3] != 255 || byte[at + 2] + byte[at + 4] != 255 || byte[at + 5]
                at += 5
                for (x = 0; x < row; x++) { a = (a + byte[at++]) % 65521; b = (b + a) % 65521 }
            }
            exit bad || number(at) != b * 65536 + a
        }'; result $? "$last: $1 should be a PNG of $2 x $3"
    if command -v gzip >/dev/null; then
        sum=$(tail -c +38 "$1" | head -c $((4 + idat)) | gzip -c | tail -c 8 | head -c 4 | od -An -tu1)
        set -- "$1" $sum
        set -- "$1" $(($5 * 16777216 + $4 * 65536 + $3 * 256 + $2)) $(tail -c 16 "$1" | head -c 4 | od -An -tu1)
        [ "$2" = $(($3 * 16777216 + $4 * 65536 + $5 * 256 + $6)) ]; result $? "$last: the CRC of the pixels in $1"
    fi
}

# --- the main job, on the built-in letters ---
sheet=$build/check.png
run 0 recall --png "$sheet" --ascii
says '^36 patterns of 12 x 12 pixels in -1 .. 1, 5 draws of 360 queries a line'
nearly='\(99.[0-9]\|100.0\)% ([0-9.]*-100.0)'
for how in 'mask 0.5' 'noise 1' 'flip 0.2'; do
    says "^$how  *sparsemax  *2  *$nearly  *$nearly  *\(99.[0-9]\|100.0\)%  *2.0[0-9]  *1.00 "
    says "^$how  *1.5-entmax  *5  *$nearly  *$nearly  *\(99.[0-9]\|100.0\)%  *2.0[0-9]  *1.00 "
    says "^$how  *2-normmax  *10  *$nearly  *$nearly  *\(99.[0-9]\|100.0\)%  *2.0[0-9]  *1.00 "
    says "^$how  *euclidean  *10  *$nearly  *$nearly  *\(99.[0-9]\|100.0\)%  *2.0[0-9]  *1.00 "
    says "^$how  *softmax  *50  *$nearly  *$nearly  *-  *2.0[0-9] "
    says "^$how  *classical  *any  *0.0% (0.0-0.0)  *0.0% (0.0-0.0)  *-  "
    says "^$how  *dot  *\(99.[0-9]\|100.0\)%  "
    says "^$how  *euclidean  *\(99.[0-9]\|100.0\)%  "
done
size=$(sed -n 's/^wrote .*, \([0-9]*\) x \([0-9]*\)$/\1 \2/p' "$out")
png "$sheet" $size
cp "$out" "$build/check.1" && cp "$sheet" "$build/check.2"
run 0 recall --png="$sheet" --ascii
cmp -s "$sheet" "$build/check.2"; result $? "recall: the same seed should give the same sheet"
run 0 recall --png "$sheet" --ascii --seed=2
! cmp -s "$sheet" "$build/check.2"; result $? "recall: another seed should give another sheet"

# one beta for all that is too small for softmax; the sweep finds one that is not, and others find theirs
run 0 recall --beta 0.1 --show 0
says '^mask 0.5  *softmax  *0.1  *[0-9.]*% ([0-9.]*-[0-9.]*)  *0.0% (0.0-0.0)  *-  *[45].[0-9][0-9]  *36.00 '
says '^mask 0.5  *sparsemax  *0.1  *100.0% (100.0-100.0)  *100.0% (100.0-100.0)  *100.0% '
says '^mask 0.5  *1.5-entmax  *0.1  *100.0% (100.0-100.0)  *100.0% (100.0-100.0)  *[1-9][0-9][.][0-9]% '
run 0 recall --sweep-beta --show 0 --csv "$build/check.csv"
says '^exact answers to 360 other pictures, broken by mask 0.5, noise 1, flip 0.2; \* the beta taken'
says '^softmax  *beta .* [125]\* '
says '^sparsemax  *beta  *0.2\*'
says '^noise 1  *softmax  *[125]  *100.0% (100.0-100.0)  *100.0% (100.0-100.0)  *-  '
[ "$(grep -c '^sweep,,sparsemax,dot,' "$build/check.csv")" = 10 ]; result $? "$last: ten betas of sparsemax in the CSV"
[ "$(grep -c '^table,flip 0.2,euclidean,euclidean,0.2,[1-5],360,3[56][0-9],' "$build/check.csv")" = 5 ]
result $? "$last: five draws of each line in the CSV"

for sim in dot cosine euclidean manhattan; do
    run 0 recall --sim $sim --count 36 --draws 2 --show 0
    says "^similarity $sim, seed 1"
    says '^mask 0.5  *sparsemax  *[0-9.]*  *100.0% (100.0-100.0)  *100.0% (100.0-100.0)  *100.0% '
    says '^mask 0.5  *softmax  *[0-9.]*  *100.0% (100.0-100.0)  *100.0% (100.0-100.0)  *-  '
    says "^noise 1  *$sim  *100.0%"
    ! grep -q '^mask 0.5  *euclidean .* 2.00  ' "$out"; result $? "$last: no row of another similarity"
done

run 0 recall --limit 3 --show 0 --draws 1
says '^mask 0.5  *classical  *any  *100.0%  *100.0%  *-  '
run 0 recall --sep softmax --beta 0.02 --mask 0 --noise 0 --flip 0 --show 0 --draws 1
says '^as they are  *softmax  *0.02  *0.0%  *0.0%  *-  *5.00  *36.00 '
run 0 recall --sep ksubsets --k 2 --beta 0.1 --mask 0.25 --noise 0 --flip 0 --count 40 --draws=1 --show 0
says ', 40 queries a line'
says '^mask 0.25  *ksubsets  *0.1  *[0-9.]*%  *0.0%  *-  *[0-9.]*  *[2-9].[0-9][0-9] '
run 0 recall --sep exp --beta 1 --noise 0.5 --show 0
says '^noise 0.5  *exp  *1  *100.0% .* 100.0% '
run 0 recall --sep entmax --alpha inf --steps 1 --show 0
says '^mask 0.5  *inf-entmax  *[0-9.]*  *100.0% .* 100.0% .* 100.0%  *1.00  *1.00 '
run 0 recall --sep normmax --gamma 5 --post l2 --show 0
says '^mask 0.5  *5-normmax  *[0-9.]*  *100.0% '
for help in --help -h; do
    run 0 recall $help
    says '^  --beta  *B '
    says '^  --sweep-beta  '
done

# --- a wrong command line says what is right and ends with 2 ---
run 2 recall --sep softmacs
says '--sep is "softmacs"; it should be one of softmax sparsemax entmax'
run 2 recall --post relu
says '--post is "relu"; it should be one of none tanh sign'
run 2 recall --beta 0
says '--beta is "0"; it should be a number above 0'
run 2 recall --beta nan
run 2 recall --beta 1x
run 2 recall --alpha -1
run 2 recall --gamma 0.5
says '--gamma is "0.5"; it should be a number from 1 on'
run 2 recall --mask 1.5
says '--mask is "1.5"; it should be a number from 0 to 1'
run 2 recall --count 0
run 2 recall --count -3
says '--count is "-3"; it should be a whole number, 1 or more'
run 2 recall --count 99999999999999999999
run 2 recall --sep ksubsets --k 37
says 'it should be'
run 2 recall --bta 1
says 'there is no option "--bta"'
run 2 recall --beta
says '--beta needs a value'
run 2 recall --bta=1
says 'there is no option "--bta=1"'
run 2 recall --beta=
says '--beta is ""; it should be a number above 0'
run 2 recall --ascii=1
says '--ascii takes no value'
run 2 recall --sim=angle
says '--sim is "angle"; it should be one of dot cosine euclidean manhattan'
run 2 recall --beta 1 --sweep-beta
says '--beta and --sweep-beta'
run 2 recall --draws 0
run 2 recall --idx a --npy b
run 2 recall --queries a

# --- outputs are asked for before the work ---
run 1 recall --png "$build/no-such-folder/a.png"
says 'a.png: cannot be written'
! grep -q 'patterns of' "$out"; result $? "$last: should stop before the work"
run 1 recall --csv "$build/no-such-folder/a.csv"
says 'a.csv: cannot be written'
if [ -c /dev/full ]; then # a disk that is full
    run 1 recall --png /dev/full --limit 2 --count 1 --show 0
    says '/dev/full: cannot be written'
    run 1 recall --csv /dev/full --limit 2 --count 1 --show 0
    says '/dev/full: cannot be written'
fi

# --- IDX: three pictures of 2 x 4 bytes ---
idx=$build/check.idx
head_of() { printf "\000\000\010\003\000\000\000\00$1\000\000\000\002\000\000\000\004"; }
{
    head_of 3
    printf '\377\000\000\000\000\000\000\377\000\377\000\000\377\000\000\000\000\000\377\377\000\000\377\377'
} >"$idx"
run 0 recall --idx "$idx" --beta 1 --noise 0 --flip 0 --mask 0.5 --count 9 --draws 1 --ascii
says '^3 patterns of 2 x 4 pixels in -1 .. 1, 9 queries'
says '^mask 0.5  *sparsemax  *1  *100.0%  *100.0%'
run 0 recall --idx "$idx" --limit 2
says '^2 patterns of 2 x 4 pixels in -1 .. 1 (of 3)'
run 0 recall --idx "$idx" --queries "$idx" --beta 1
says '^as they are  *sparsemax  *1  *100.0%  *100.0%  *1.00  *1.00 '
run 0 recall --idx "$idx" --queries "$idx" --sweep-beta
says '^as they are  *euclidean  *[0-9.]*  *100.0%  *100.0%  *1.00  *1.00 '
run 1 recall --idx "$build/no-such-file"
says 'cannot be opened'
printf '' >"$idx"; run 1 recall --idx "$idx"
says 'not an IDX file'
printf '\037\213\010' >"$idx"; run 1 recall --idx "$idx"
says 'gunzip'
printf '\000\000\010\001\000\000\000\003abc' >"$idx"; run 1 recall --idx "$idx"
says 'these look like labels'
printf '\000\000\015\003\000\000\000\001\000\000\000\001\000\000\000\001abcd' >"$idx"; run 1 recall --idx "$idx"
says 'type 13'
printf '\000\000\010\003\000\000\000\001\000' >"$idx"; run 1 recall --idx "$idx"
says 'ends within its header'
{ head_of 3; printf 'only a few'; } >"$idx"; run 1 recall --idx "$idx"
says 'says 3 pictures of 2 x 4 but holds 10 bytes'
{ head_of 1; printf 'more than 8 bytes'; } >"$idx"; run 1 recall --idx "$idx"
says 'says 1 pictures of 2 x 4 but holds 17 bytes'
{ head_of 0; } >"$idx"; run 1 recall --idx "$idx"
says 'should be at least 1'
printf '\000\000\010\003\377\377\377\377\377\377\377\377\377\377\377\377x' >"$idx"; run 1 recall --idx "$idx"
says 'a side at most 65535'

# --- .npy: three patterns of four bytes ---
npy=$build/check.npy
npy_of() { # npy_of TYPE SHAPE
    printf '\223NUMPY\001\000v\000'
    printf '%-117s\n' "{'descr': '$1', 'fortran_order': False, 'shape': $2, }"
}
{ npy_of '|u1' '(3, 4)'; printf '\001\001\001\011\001\011\001\001\011\001\001\001'; } >"$npy"
run 0 recall --npy "$npy" --noise 0 --flip 0
says '^3 patterns of 2 x 2 pixels in 1 .. 9, 5 draws of 100 queries a line'
says '^mask 0.5  *sparsemax  *'
run 0 recall --npy "$npy" --queries "$npy" --count 2
says '^as they are  *sparsemax  *[0-9.]*  *100.0%  *100.0%'
# a long pattern has the larger dot product with everything; each is the nearest to itself
{ npy_of '|u1' '(2, 4)'; printf '\001\000\000\000\011\011\011\011'; } >"$npy"
run 0 recall --npy "$npy" --mask 0 --noise 0 --flip 0 --beta 10 --draws 1 --show 0
says '^as they are  *sparsemax  *10  *50.0%  *50.0%  *50.0% '
says '^as they are  *euclidean  *10  *100.0%  *100.0%  *100.0% '
says '^as they are  *dot  *50.0% '
says '^as they are  *euclidean  *100.0%  *0.00651  '
run 0 recall --npy "$npy" --mask 0 --noise 0 --flip 0 --beta 10 --draws 1 --show 0 --sim euclidean
says '^as they are  *sparsemax  *10  *100.0%  *100.0%  *100.0% '
{ npy_of '|u1' '(3, 4)'; printf '\001\001'; } >"$npy"; run 1 recall --npy "$npy"
says 'malformed file'
{ npy_of '|u1' '(3,)'; printf '\001\002\003'; } >"$npy"; run 1 recall --npy "$npy"
says 'at least 2 axes'
{ npy_of '<f4' '(1, 2)'; printf '\000\000\200\077\000\000\200\177'; } >"$npy"; run 1 recall --npy "$npy"
says 'element 1 is not a finite number'
run 1 recall --npy "$build/no-such-file"

# --- the small ones ---
run 0 hello
[ "$(tr '\n' ' ' <"$out")" = '##### #.... ####. #.... #.... ' ]; result $? "hello: should draw an F"
run 0 attention
says '^softmax:   largest difference to plain loops [0-9.]*e-'
says '^sparsemax: [0-9.]* tokens a query'
run 0 hetero
says '^readout:  zero one two three four five six seven eight nine$'
says '^right: 50 of 50 letters, 5 of 5 counts, 70 of 70 turned rows$'
run 0 associations - 3 "$sheet"
says '^k-subsets  *A  E  I$'
says '^k-subsets  *A  G  I$'
says '^sequential k-subsets  *G  H  I$'
says '^promised for that run: .*: it stands still'
says '^subtrees  *A  C  G$'
says '^right: 3 of 3$'
png "$sheet" $(sed -n 's/^wrote .*, \([0-9]*\) x \([0-9]*\)$/\1 \2/p' "$out")
run 1 associations - 3 "$build/no-such-folder/a.png"
says 'a.png: cannot be written'
run 0 associations - 4
says '^k-subsets  *A  D  G  J$'
says '^sequential k-subsets  *G  H  I  J$'
run 2 associations - 5
says 'K is 5; it should be at least 2'
run 1 associations "$build/no-such-file"
says 'cannot be opened'
run 0 embedded
says '^with 16 bytes: not enough scratch memory'
says '^right: 4 of 4; heap calls: 0; scratch needed: [0-9]* bytes'
run 0 attractors
says '^  0.05  *6  *6 of 6  *-0.[0-9]*  .* comes back$'
says '^  0.60  *72  *0 of 6  *0.[0-9]*  .* drifts away$'
run 1 attractors 0
says 'cv is 0'

run 0 landscape
says '^150 random patterns of 60 bits; trained to the optimum'
says '^   0.100  *[4-8]  *1.00  *1.00  *1.00  *0.8[0-9]  *0.00  *0.00 '
says '^   0.003  *[4-9]  *1.00  *0.00  *0.00  *0.00  *0.00  *0.9[0-9] .* 0.99 '
run 0 landscape 1 10
run 2 landscape 0

# --- a memory that is kept: two processes, kills, damaged files ---
mkdir -p "$build/check.store"
run 0 store_check write "$build/check.store"
run 0 store_check read "$build/check.store"
says '^store read: [1-9][0-9]* passed, 0 failed'
run 0 store_check rest "$build/check.store"
says '^store rest: [1-9][0-9]* passed, 0 failed'
rm -rf "$build/check.store"

# --- the tool ---
keys=$build/check.keys query=$build/check.query memory=$build/check.memory
printf '# a comment\n8 0 0 0\n0,8,0,0\n0; 0; 8; 0\n\n0\t0\t0\t8' >"$keys"
printf '7\n1\n0\n0\n' >"$query"
tab=$(printf '\t')
run 0 hfy recall "$keys" "$query" --top 3 --beta 1
says "^0${tab}56${tab}1$"
[ "$(wc -l <"$out")" -eq 3 ]; result $? "$last: a line per row"
run 0 hfy recall "$keys" - --top 3 --beta 1 --sep sparsemax <"$query"
[ "$(cat "$out")" = "0${tab}56${tab}1" ]; result $? "$last: one row has all the weight"
run 0 hfy recall "$keys" "$keys" --sim=euclidean --beta 1 --sep sparsemax --json
says '^{"query": 2, "rows": \[{"id": 2, "score": -\?0, "weight": 1}\]}$'
run 0 hfy recall "$keys" "$keys" --top 1
says "^3${tab}3${tab}32${tab}1$"
if mkfifo "$build/check.fifo" 2>/dev/null; then # pipes by name, read once
    cat "$keys" >"$build/check.fifo" &
    run 0 hfy recall "$build/check.fifo" - --top 1 <"$keys"
    says "^3${tab}3${tab}32${tab}1$"
    rm -f "$build/check.fifo"
fi
printf 'a,b\n1,2\n3,4\n' >"$query"
run 0 hfy info "$query"
says '^rows  *2$'
says '^longest  *5$'
printf '1 2\n3\n' >"$query"; run 1 hfy info "$query"
says 'line 2 has 1 numbers; it should have 2'
printf '1 2\n3 x\n' >"$query"; run 1 hfy info "$query"
says 'line 2: "x" should be a finite number'
printf '1 2\n3 inf\n' >"$query"; run 1 hfy info "$query"
printf '1 2\001\n' >"$query"; run 1 hfy info "$query"
says 'byte 3 is 1'
printf '1 2 3\n4 5 6\n' >"$query"; run 1 hfy recall "$keys" "$query"
says 'rows of 3 numbers; they should be 4'
printf '' >"$query"; run 1 hfy info "$query"
says 'holds no numbers'
printf '\037\213\010' >"$query"; run 1 hfy info "$query"
says 'gunzip'
run 1 hfy info "$build/no-such-file"
says 'cannot be opened'
{ npy_of '<f2' '(2, 2)'; printf '\000\074\000\000\000\000\000\300'; } >"$query" # 1 0, 0 -2
run 0 hfy info "$query" --json
says '^{"kind": ".npy of f2, 2 axes", "rows": 2, "dim": 2, "least": -2, "largest": 1, '
{ printf '\000\000\013\002\000\000\000\001\000\000\000\002'; printf '\001\000\377\377'; } >"$query" # 256, -1
run 0 hfy info "$query"
says '^largest  *256$'
says '^least  *-1$'
printf '\000\000\012\001\000\000\000\001a' >"$query"; run 1 hfy info "$query"
says 'IDX of type 10'
{ head_of 3; printf 'short'; } >"$query"; run 1 hfy info "$query"

printf 'one\ntwo "2"\nthree\nfour\n' >"$query"
rm -f "$memory"
run 0 hfy store "$memory" "$keys" --labels "$query" --sep sparsemax --beta 1
says '^rows  *4$'
run 0 hfy store "$memory" --remove 0,2
says '^removed  *2$'
run 0 hfy store "$memory" "$keys" --json
says '"rows": 6, "added": 4, "removed": 0}$'
run 0 hfy recall "$memory" "$keys" --json
says '^{"query": 1, "rows": \[{"id": 1, "score": 64, "weight": 0.5, "label": "two \\"2\\""}, {"id": 5, '
says '^{"query": 0, "rows": \[{"id": 4, '
run 0 hfy info "$memory"
says '^separation  *sparsemax$'
says '^labels  *2$'
run 0 hfy index "$memory"
says '^prefix  *0$'
run 0 hfy recall "$memory" "$keys"
says "^3${tab}3${tab}64${tab}0.5${tab}four$"
run 1 hfy store "$memory" --remove 0
says 'there is no row of this id: 0'
run 2 hfy store "$memory" --remove 1,
run 2 hfy store "$memory" --labels "$query"
run 2 hfy store "$build/no-such-memory"
run 1 hfy store "$memory" "$keys" --labels "$keys"
says '6 labels; there should be 4'
printf 'x' >>"$memory"; run 1 hfy recall "$memory" "$keys"
says 'damaged or cut off'
run 1 hfy recall "$keys" "$memory"
says 'a memory; it should be an array here'

printf '2 0\n0 2\n' >"$keys"
run 0 hfy beta "$keys"
says '^100%  *of the rows from beta 0.25 on$'
says '^beta  *0.5$'
run 0 hfy beta "$keys" --sim euclidean --json
says '"95%": 0.25, .*"beta": 0.5}$'
run 0 hfy beta "$keys" --sep softmax
says '^beta  *2.29756$' # 2 ln(99) / 4
run 1 hfy beta "$keys" --sep identity
for sim in dot euclidean; do
    run 0 hfy radius "$keys" --sim $sim --beta 1
    says '^exact  *100% '
    says '^radius 0%  *1.06066$' # (4 - 1) / sqrt(8)
done
run 1 hfy radius "$keys" --sep softmax
run 1 hfy radius "$keys" --sim cosine
run 0 hfy bench "$keys" --sep sparsemax
says '^index, 64  *[0-9.e-]* ms per query$'

for kind in npy csv png pgm; do
    run 0 hfy recall "$keys" "$keys" --sep sparsemax --beta 2 --shape 1x2 --out "$build/check.$kind"
done
run 0 hfy info "$build/check.npy"
says '^norm  *2$'
run 0 hfy info "$build/check.csv"
says '^norm  *2$'
png "$build/check.png" 22 8
[ "$(head -n 2 "$build/check.pgm" | tail -n 1)" = '22 8' ]; result $? "$last: 22 x 8 pixels"
run 2 hfy recall "$keys" "$keys" --shape 2x2
run 2 hfy recall "$keys" "$keys" --out a.gif
says 'it should end in .npy, .csv, .png or .pgm'
run 1 hfy recall "$keys" "$keys" --out "$build/no-such-folder/a.npy"

run 0 hfy --version
run 0 hfy --help
for command in recall store info index beta radius bench; do
    run 0 hfy --help
    says "^  $command "
    says "hfy $command .*\(keys\|words\)"
    run 0 hfy $command -h
    says "^usage: hfy $command "
    says "^  .*hfy $command "
    run 2 hfy $command
    says "files missing; it should be: hfy $command "
    run 2 hfy $command a b c
    run 2 hfy $command a --none
    says 'there is no option "--none" here'
done
run 2 hfy
says 'it should be one of recall store'
run 2 hfy recal
says 'there is no command "recal"'
run 2 hfy recall "$keys" "$keys" --top 0
says '--top is "0"; it should be a whole number, 1 or more'
run 2 hfy recall "$keys" "$keys" --beta=-1
run 2 hfy recall "$keys" "$keys" --top
says '--top needs a value: N'
run 2 hfy recall "$keys" "$keys" --sim angle
says '--sim is "angle"; it should be one of dot cosine euclidean manhattan'
run 2 hfy recall "$keys" "$keys" --remove 1
if [ -c /dev/full ]; then
    "$build/hfy" --help >/dev/full 2>/dev/null
    [ $? = 1 ]; result $? "hfy --help to a full disk: exit status 1"
fi
rm -f "$keys" "$query" "$memory" "$build"/check.npy "$build"/check.csv "$build"/check.png "$build"/check.pgm

run 0 bit_pattern --latch --seeds 1 --epochs 1 --only 2
says '^pooling  *1.0000 .* epoch 1 '
run 2 bit_pattern --epoch
says 'epoch: not known'
run 0 mnist_bags --data "$build/no-such-folder" --K 2 --seeds 1 --epochs 1 --bags 40
says 'digits of seven strokes instead'
says '^2   2-subsets '
run 0 mil --data "$build/no-such-folder" --repeats 1 --folds 1 --epochs 2
says 'drawn bags instead'
run 0 needle --seeds 1 --steps 80 --sample 1000 --sequences 5000
says 'AUC \(0.9[0-9]*\|1.000\) '
run 0 rationale --seeds 1 --epochs 1 --texts 100
says '^sequential k-subsets  *[01].[0-9]'
run 0 uci --data "$build/no-such-folder"
says 'no sets in'
run 0 transformer --text "$build/no-such-file" --seeds 1 --steps 2 --width 16 --length 16
says '^      0  4.[0-9]*  *4 0 0 0  *4 0 0 0 '

rm -f "$out" "$build"/check.1 "$build"/check.2 "$build"/check.csv "$sheet" "$idx" "$npy"
echo "examples: $passed passed, $failed failed"
[ $failed = 0 ]
