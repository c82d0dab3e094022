# fill.awk: prints a chapter with every marked block as the header and the programs have it today. A mark is a comment
# on the line above a block:
#   <!-- hfy.h: NAME -->               the function's body, or the type, with the comment above it
#   <!-- hfy.h: NAME /FROM/ /TO/ -->   of that the lines from the first that matches FROM to the next that matches TO
#   <!-- hfy.h: declared NAME -->      the function's declaration, with the comment above it
#   <!-- hfy.h: tag NAME -->           the comment at this tag
#   <!-- file: NAME -->                a file of this directory
#   <!-- prints: NAME [K ...] -->      what a program prints, or of that the K-th paragraphs
# Blocks of ```c and ```text must be marked. A mark that finds nothing is an error.
#   awk -v header=../../hfy.h -v build=build -f fill.awk CHAPTER
function fail(what) {
    printf "%s:%d: %s\n", FILENAME, FNR, what >"/dev/stderr"
    failed = 1
}
function load(   line) { # the header, once
    while ((getline line <header) > 0) text[++lines] = line
    close(header)
    if (!lines) fail("cannot read " header)
}
function above(at) { # where the comment right above line `at` begins; `at` if there is none
    if (at == 1 || text[at - 1] !~ /\*\/$/) return at
    for (at--; at > 1 && text[at] !~ /^\/\*/; at--)
        if (text[at] ~ /^$/) return at + 1
    return at
}
function cut(name, declared,   i, last, whole) { # finds a function or a type: the lines from `begins` to `ends`
    for (i = 1; i <= lines; i++) {
        if (!declared && text[i] ~ "^typedef (struct|enum) " name " [{]") {
            for (last = i; last < lines && text[last] !~ /}.*;/; last++);
        } else if (text[i] ~ /^[A-Za-z]/ && text[i] ~ "[ *]" name "[(]" && text[i] !~ /^(typedef|return)/) {
            whole = ""
            for (last = i; last < lines; last++) {
                whole = whole text[last]
                if (whole ~ /\)[^)]*[;{]/) break
            }
            if ((text[last] ~ /;$/ && whole !~ /[{]/) != declared) continue
            if (!declared && text[last] ~ /[{]$/) while (last < lines && text[last] !~ /^}/) last++
        } else
            continue
        begins = above(i)
        ends = last
        return 1
    }
    return 0
}
function tag(name,   i) {
    for (i = lines; i > 1; i--)
        if (index(text[i], "  >>" name " ")) {
            if (text[i] !~ "^  ? ?>>") continue
            for (begins = i; begins > 1 && text[begins] !~ /^\/\*/; begins--);
            for (ends = i; ends < lines && text[ends] !~ /\*\/$/; ends++);
            return 1
        }
    return 0
}
function narrow(from, to,   i, j) {
    for (i = begins; i <= ends && text[i] !~ from; i++);
    for (j = i; j <= ends && text[j] !~ to; j++);
    if (j > ends) return 0
    begins = i
    ends = j
    return 1
}
function show(name,   line, n) {
    while ((getline line <name) > 0) { print line; n++ }
    close(name)
    if (!n) fail("nothing in " name)
}
function paragraphs(name, which,   line, k, n) {
    k = 1
    while ((getline line <name) > 0) {
        if (line == "") k++
        else if (which == "" || index(which " ", " " k " ")) {
            if (n && last_k != k) print ""
            print line
            last_k = k
            n++
        }
    }
    close(name)
    if (!n) fail("nothing of" which " in " name)
}
function fill(mark,   word, found, patterns, n, which, i) {
    gsub(/^<!-- | -->$/, "", mark)
    if (mark ~ /^hfy\.h: /) {
        if (!lines) load()
        n = split(substr(mark, 8), patterns, " /")
        for (i = 2; i <= n; i++) sub(/\/$/, "", patterns[i])
        split(patterns[1], word, " ")
        if (word[1] == "tag") found = tag(word[2])
        else if (word[1] == "declared") found = cut(word[2], 1)
        else found = cut(word[1], 0)
        if (found && n == 3) found = narrow(patterns[2], patterns[3])
        if (!found) { fail("not in hfy.h: " substr(mark, 8)); return }
        for (i = begins; i <= ends; i++) print text[i]
    } else if (mark ~ /^file: /) {
        show(substr(mark, 7))
    } else if (mark ~ /^prints: /) {
        mark = substr(mark, 9)
        if ((i = index(mark, " "))) { which = substr(mark, i); mark = substr(mark, 1, i - 1) }
        paragraphs(build "/" mark ".out", which)
    } else
        fail("no such mark: " mark)
}
filled { if ($0 == "```") { filled = 0; print } next }
/^```./ && !marked && /^```(c|text)$/ { fail("a block that nothing checks") }
{ print }
marked { # the line after a mark opens its block
    if ($0 !~ /^```[a-z]+$/) fail("a mark without a block: " marked)
    else { fill(marked); filled = 1 }
    marked = ""
    next
}
/^<!-- (hfy\.h|file|prints): .* -->$/ { marked = $0 }
END { if (filled || marked) fail("a block without end"); exit failed }
