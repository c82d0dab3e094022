# coverage.sh DIR HEADER [ROOM]: lines and branches of each room of the header that the programs whose .gcda lie below DIR
# reached; of ROOM also what they did not. A line that several builds or passes over the templates compile is one line,
# reached if any of them was; so are its branches, counted in the order in which they stand.
find "$1" -name '*.gcda' | while read -r data; do gcov -b -c -t "$data" 2>/dev/null; done |
awk -v header="$2" -v list="$3" '
    BEGIN {
        while ((getline text <header) > 0) {
            source[++n] = text
            if (match(text, /^   >>[a-z0-9.]+/)) tag = substr(text, 6, RLENGTH - 5)
            room[n] = tag
        }
    }
    /^ *-: *0:Source:/ { on = /hfy\.h$/; next }
    !on { next }
    /^branch/ { key = line "," branch++; arm[key] = 1; if (/taken [1-9]/) taken[key] = 1; next }
    /^ *[^:]*: *[0-9]+:/ {
        split($0, part, ":"); line = part[2] + 0; branch = 0
        if (part[1] !~ /-/) { there[line] = 1; if (part[1] !~ /[#=]/) hit[line] = 1 }
    }
    END {
        for (l in there) { lines[room[l]]++; reached[room[l]] += l in hit }
        for (k in arm) { split(k, part, ","); arms[room[part[1]]]++; took[room[part[1]]] += k in taken; if (!(k in taken)) missed[part[1]]++ }
        for (r in lines)
            printf "%-22s %5d lines %5.1f %%   %5d branches %5.1f %%\n", r, lines[r], 100 * reached[r] / lines[r], arms[r],
                arms[r] ? 100 * took[r] / arms[r] : 100 | "sort"
        close("sort")
        for (l = 1; l <= n && list; l++)
            if (room[l] ~ "^" list "(\\.|$)" && ((l in there && !(l in hit)) || missed[l]))
                printf "%s%d:%d  %s\n", l in hit ? "" : "not reached ", l, missed[l], source[l]
    }'
