# sum.sh OUTPUTS: adds up the `FILE: N passed, N failed` lines. A program that ended without one, or otherwise than with
# status 0 or 1, counts as a failure. With MEMORY set only status 99 (valgrind) and crashes do.
awk -v memory="$MEMORY" '
    { sub(/\r$/, "") } # Windows
    / passed, [0-9]+ failed$/ {
        n = split($0, word, " ")
        passed += word[n - 3]
        mine += word[n - 1]
        lines++
    }
    / ended with status [0-9]+$/ {
        bad = $NF != 0 && $NF != 1 || !lines
        if (bad) print $0
        failed += memory ? bad : bad ? mine + 1 : mine
        lines = mine = 0
    }
    END {
        printf "%d passed, %d failed\n", passed, failed
        exit failed > 0 || passed == 0
    }' "$@"
