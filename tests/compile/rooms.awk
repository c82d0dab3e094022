# rooms.awk: the house rules of hfy.h that the compiler does not see. Input: hfy.h. Prints one line for each breach.
#   - a room calls only itself and the rooms above it; a function is defined in the room that its name bears
#   - a room calls only rooms that >>modules brings along with it (or within #ifdef HFY_HAS_<ROOM>_), and brings no others
#   - nothing private is declared ahead of its body
#   - intrinsics only in simd and linalg; no malloc but HFY_MALLOC's default; nothing prints, exits or reads the environment
#   - no function of more than 80 lines, none private with more than 8 parameters, no chain of assignments by commas
#     (long=N, wide=N, chains=N: as many are let through)
#   - at most 120 columns, no tabs, ASCII
function room_of(name)
{
    if (name ~ /^hfy_(retrieve|energy)/) return "net"
    if (name ~ /^hfy_eigen/) return "linalg"
    if (name ~ /^hfy_param_/) return "file"
    if (name ~ /^hfy_(dense|block|optimiser)_/) return "train"
    if (name ~ /^hfy_((status|work|rng)_|version$|layout$)/) return "base"
    sub(/^hfy_/, "", name)
    sub(/_.*/, "", name)
    return name
}
function breach(what) { printf "hfy.h:%d: %s\n", FNR, what }
# code without comments and without what stands between quotes; `inside` remembers an open comment
function bare(line,    out, c, two)
{
    out = ""
    while (length(line)) {
        two = substr(line, 1, 2)
        c = substr(line, 1, 1)
        if (inside) {
            if (two == "*/") { inside = 0; line = substr(line, 3) } else line = substr(line, 2)
        } else if (two == "/*") {
            inside = 1
            line = substr(line, 3)
        } else if (two == "//") {
            return out
        } else if (c == "\"") {
            line = substr(line, 2)
            while (length(line) && substr(line, 1, 1) != "\"") line = substr(line, substr(line, 1, 1) == "\\" ? 3 : 2)
            line = substr(line, 2)
            out = out "\"\""
        } else {
            out = out c
            line = substr(line, 2)
        }
    }
    return out
}
# counts what is let through as often as `most` says
function spare(what, most) { if (++spared[what] > most) breach(what " (" name_of_function ")") }
function parameters(head,    depth, n, i, c)
{
    n = 1
    for (i = index(head, "("); i <= length(head); i++) {
        c = substr(head, i, 1)
        if (c == "(") depth++
        if (c == ")" && !--depth) return n
        if (c == "," && depth == 1) n++
    }
    return 0
}
pass == 1 { # the order of the rooms
    if (/defined\(HFY_IMPLEMENTATION\)/) bodies = FNR
    if (bodies && match($0, /^ *>>[a-z0-9]+\.impl/)) {
        name = substr($0, RSTART, RLENGTH)
        gsub(/[ >]|\.impl/, "", name)
        if (!(name in order)) order[name] = ++rooms
    }
    # what brings what
    if (match($0, /^#if defined\(HFY_ONLY_[A-Z]+\) \|\|/)) {
        bringer = $0
        sub(/^#if defined\(HFY_ONLY_/, "", bringer)
        sub(/\).*/, "", bringer)
        bringer = tolower(bringer)
        brought[++bringers] = bringer
    } else if (bringer && match($0, /^#define HFY_HAS_[A-Z]+_$/)) {
        name = tolower(substr($0, RSTART + 16, RLENGTH - 17))
        brings[bringer, name] = 1
        if (name != bringer) direct[bringer, name] = 1
    } else if (/^#endif/) {
        bringer = ""
    }
    next
}
FNR == 1 {
    inside = depth = 0
    here = ""
    for (k = 1; k <= bringers; k++)
        for (i = 1; i <= bringers; i++)
            for (j = 1; j <= bringers; j++)
                if (brings[brought[i], brought[k]] && brings[brought[k], brought[j]]) brings[brought[i], brought[j]] = 1
}
/^#if/ {
    present[++depth] = ""
    if (match($0, /^#ifdef HFY_HAS_[A-Z]+_/)) present[depth] = tolower(substr($0, 16, RLENGTH - 16))
}
/^#endif/ && depth { depth-- }
{
    if (length($0) > 120) breach("more than 120 columns")
    if ($0 ~ /\t/) breach("a tab")
    if ($0 ~ /[^ -~]/) breach("not ASCII")
    if ($0 ~ / $/) breach("a blank at the end")
    if (FNR >= bodies && match($0, /^ *>>[a-z0-9]+\./)) {
        here = substr($0, RSTART, RLENGTH)
        gsub(/[ >.]/, "", here)
        if (!(here in order)) breach("a room that has no place: " here)
    }
    code = bare($0)
    if (code ~ /^ *# *define +HFY_(MALLOC|FREE|PARALLEL_FOR)/) code = ""
    if (code ~ /(^|[^A-Za-z0-9_])(malloc|calloc|realloc|free) *\(/) breach("an allocation of its own")
    if (code ~ /(^|[^A-Za-z0-9_])(v?f?printf|v?sn?printf|puts|fputs|putchar|perror|abort|exit|assert|getenv|setlocale|srand|rand|system) *\(/)
        breach("prints, exits, or asks the environment: " code)
    if (!here) next
    if (here != "simd" && here != "linalg" && code ~ /(^|[^A-Za-z0-9_])(_mm[0-9]*_|__m(128|256|512)|_cvt|v(ld1|st1|fma|add|mul|dup|max|get)q?_[a-z0-9]+|float(32x4|64x2)_t|__builtin_ia32)/)
        breach("an intrinsic in room " here)
    if (code ~ /^(HFY_API|HFY_PRIVATE_|HFY_COLD_) /) {
        head = ""
        open = 1
        began = FNR
    }
    if (open) {
        head = head " " code
        brace = index(head, "{")
        stop = index(head, ";")
        if (brace || stop) {
            open = 0
            text = head
            sub(/ *\(.*/, "", text)
            sub(/.*[ *]/, "", text)
            if (text ~ /^hfy_/ && room_of(text) != here) breach(text " is defined in room " here)
            if (stop && (!brace || stop < brace) && head ~ /HFY_(PRIVATE|COLD)_/) breach(text " is declared ahead of its body")
            if (text ~ /^hfy_/ && head ~ /HFY_(PRIVATE|COLD)_/ && text !~ /_$/) breach("private, but without an underscore: " text)
            defined_functions++
            name_of_function = text
            sub(/.*[ *]hfy_/, "hfy_", name_of_function)
            if (!brace || brace > stop && stop) began = 0
            if (head ~ /HFY_(PRIVATE|COLD)_/ && parameters(head) > 8) spare("more than 8 parameters", wide)
        }
    }
    if (began && code ~ /^}/) {
        if (FNR - began >= 80) spare("more than 80 lines", long)
        began = 0
    }
    rest = code
    sub(/ *\\$/, "", rest)
    if (whole && rest !~ /^ *(const |static |unsigned |signed |struct )*[A-Za-z_0-9]+ +\**(const )?[A-Za-z_0-9]+(\[[^]]*\])* *[=,;]/ && rest !~ /(^|[^a-z_])(for \(|enum )/ &&
        rest ~ /[])A-Za-z0-9_] [-+*\/|&^]?= [^;]*, \**[A-Za-z_][][A-Za-z0-9_.>-]* [-+*\/|&^]?= /)
        spare("assignments in a chain by commas", chains)
    if (rest ~ /[^ ]/) whole = rest ~ /([;{}:)]|else) *$/ || rest ~ /^ *#/
    if (code ~ /(^|[^a-z_])hfy_param[ *]/) called[here, "file"] = 1 # its table is a type of that room
    rest = code
    while (match(rest, /hfy_[a-z0-9_]+ *\(/)) {
        name = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        sub(/ *\(/, "", name)
        other = room_of(name)
        calls++
        if (other in order && order[other] > order[here]) breach("room " here " calls " name " of a room below")
        called[here, other] = 1
        if (!(other in order) || other == "base" || other == "simd" || other == "linalg" || brings[here, other]) continue
        for (i = depth; i && present[i] != other; i--);
        if (!i) breach("room " here " calls " name ", but >>modules does not bring " other " along")
    }
}
END {
    for (pair in direct) {
        split(pair, two, SUBSEP)
        if (!called[two[1], two[2]]) printf "hfy.h: >>modules brings %s along with %s, which does not call it\n", two[2], two[1]
    }
    if (rooms < 7 || bringers < 10 || defined_functions < 100 || calls < 300)
        printf "hfy.h: found only %d rooms, %d functions, %d calls: these rules no longer read it right\n", rooms,
               defined_functions, calls
}
