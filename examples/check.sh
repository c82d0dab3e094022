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

# --- the main job, on the built-in letters ---
run 0 recall --pgm "$build/check.pgm" --ascii
says '^36 patterns of 12 x 12 pixels in -1 .. 1, 360 queries a line'
for how in 'mask 0.5' 'noise 1' 'flip 0.2'; do
    says "^$how  *sparsemax  *100.0%  *100.0%  *2.[0-9][0-9]  *1.00 "
    says "^$how  *1.5-entmax  *100.0%  *100.0%  *2.[0-9][0-9]  *1.00 "
    says "^$how  *2-normmax  *100.0%  *100.0%  *2.[0-9][0-9]  *1.00 "
    says "^$how  *softmax  *\(9[0-9].[0-9]\|100.0\)%  *0.0%  *[45].[0-9][0-9]  *36.00 "
    says "^$how  *classical  *0.0%  *0.0%"
done
[ "$(dd if="$build/check.pgm" bs=2 count=1 2>/dev/null)" = P5 ]; result $? "$last: the sheet should be a binary PGM"
size=$(sed -n 's/^wrote .*, \([0-9]*\) x \([0-9]*\)$/\1 \2/p' "$out")
bytes=$(($(wc -c <"$build/check.pgm")))
set -- $size
[ "$bytes" = $(($1 * $2 + ${#1} + ${#2} + 9)) ]; result $? "$last: a sheet of $1 x $2 cannot have $bytes bytes"
cp "$out" "$build/check.1" && cp "$build/check.pgm" "$build/check.2"
run 0 recall --pgm "$build/check.pgm" --ascii
cmp -s "$build/check.pgm" "$build/check.2"; result $? "recall: the same seed should give the same sheet"
run 0 recall --pgm "$build/check.pgm" --ascii --seed 2
! cmp -s "$build/check.pgm" "$build/check.2"; result $? "recall: another seed should give another sheet"

run 0 recall --limit 3 --show 0
says '^mask 0.5  *classical  *100.0%  *100.0%'
run 0 recall --sep softmax --beta 0.02 --mask 0 --noise 0 --flip 0 --show 0
says '^as they are  *softmax  *0.0%  *0.0%  *5.00  *36.00 '
run 0 recall --sep ksubsets --k 2 --mask 0.25 --noise 0 --flip 0 --count 40 --show 0
says '40 queries a line'
says '^mask 0.25  *ksubsets  *[0-9.]*%  *0.0%  *[0-9.]*  *[2-9].[0-9][0-9] '
run 0 recall --sep exp --beta 1 --noise 0.5 --show 0
says '^noise 0.5  *exp  *100.0%  *100.0%'
run 0 recall --sep entmax --alpha inf --steps 1 --show 0
says '^mask 0.5  *inf-entmax  *100.0%  *100.0%  *1.00  *1.00 '
run 0 recall --sep normmax --gamma 5 --post l2 --show 0
says '^mask 0.5  *5-normmax  *100.0%'
run 0 recall --help
says '^  --beta  *B '

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
run 2 recall --idx a --npy b
run 2 recall --queries a

# --- IDX: three pictures of 2 x 4 bytes ---
idx=$build/check.idx
head_of() { printf "\000\000\010\003\000\000\000\00$1\000\000\000\002\000\000\000\004"; }
{
    head_of 3
    printf '\377\000\000\000\000\000\000\377\000\377\000\000\377\000\000\000\000\000\377\377\000\000\377\377'
} >"$idx"
run 0 recall --idx "$idx" --beta 1 --noise 0 --flip 0 --mask 0.5 --count 9 --ascii
says '^3 patterns of 2 x 4 pixels in -1 .. 1, 9 queries'
says '^mask 0.5  *sparsemax  *100.0%  *100.0%'
run 0 recall --idx "$idx" --limit 2
says '^2 patterns of 2 x 4 pixels in -1 .. 1 (of 3)'
run 0 recall --idx "$idx" --queries "$idx" --beta 1
says '^as they are  *sparsemax  *100.0%  *100.0%  *1.00  *1.00 '
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
says '^3 patterns of 2 x 2 pixels in 1 .. 9, 256 queries a line, beta 0.5'
says '^mask 0.5  *sparsemax  *'
run 0 recall --npy "$npy" --queries "$npy" --count 2
says '^as they are  *sparsemax  *100.0%  *100.0%'
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
run 0 associations - 3 "$build/check.pgm"
says '^k-subsets  *A  E  I$'
says '^k-subsets  *A  G  I$'
says '^sequential k-subsets  *G  H  I$'
says '^promised for that run: .*: it stands still'
says '^subtrees  *A  C  G$'
says '^right: 3 of 3$'
[ "$(dd if="$build/check.pgm" bs=2 count=1 2>/dev/null)" = P5 ]; result $? "$last: the sheet should be a binary PGM"
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
says '^   0.100  *[3-5][0-9]  *1.00  *1.00  *1.00  *0.8[0-9]  *0.00  *0.00 '
says '^   0.003  *[4-7][0-9]  *1.00  *0.00  *0.00  *0.00  *0.00  *0.9[0-9] .* 0.99 '
run 0 landscape 1 10
run 2 landscape 0

rm -f "$out" "$build"/check.1 "$build"/check.2 "$build"/check.pgm "$idx" "$npy"
echo "examples: $passed passed, $failed failed"
[ $failed = 0 ]
