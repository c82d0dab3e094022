#!/usr/bin/env python3
"""mutants.py DIR: breaks hfy.h at one place after another and looks whether the tests of that room notice.

A mutant changes one operator, constant, condition or statement of a line that this compiler compiles (no text, no comment,
no kernel of another machine). It dies if a test of its room fails, crashes or takes far longer than it should; it lives if
all pass, with the fewer draws of CHECK_SLOW, in float and in double with three workers, the last one first. One that does
not compile is none.

ROOMS, COUNT (of each room), SEED: which; AGAIN=1: those of ROOMS that lived the last time. CC: tcc if it is here, since most of the
time is compiling. Prints who lives, and what mutants.txt says of them: same (answer), speed (alone), rounding, elsewhere (it dies with the
vector kernels), answer; DIR/log has all. Fails if one lives that changes an answer, or that was not judged."""
import os, random, re, resource, shutil, subprocess, sys, time

TESTS = {  # cheap ones first
    'base': 'base sep_any sep work', 'linalg': 'linalg gemm eigen post theory', 'sim': 'sim net shard net_energy',
    'structure': 'structure sep_losses work net_energy', 'sep': 'sep_any sep_grad sep sep_losses structure work net_energy',
    'post': 'post net_energy net work', 'net': 'net_energy work plainly net shard plain index net_same reverse',
    'shard': 'shard work', 'index': 'index shard plain', 'file': 'file param work', 'layer': 'layer work',
    'train': 'layer work', 'theory': 'wild theory work', 'recall': 'wild recall work', 'binary': 'wild binary work', 'kernel': 'wild kernel work',
    'rate': 'wild rate work'}
WORKERS = ['-DHFY_WORKERS=3', '-DHFY_PARALLEL_FOR(n,body,context)=for(size_t i_=(n);i_--;)(body)(context,i_)']
OTHER = {'+': '-', '-': '+', '*': '/', '/': '*', '%': '/', '<': '<= >', '<=': '< >=', '>': '>= <', '>=': '> <=', '==': '!=',
         '!=': '==', '&&': '||', '||': '&&', '+=': '-= =', '-=': '+=', '*=': '/=', '/=': '*=', '|=': '&=', '&=': '|=', '&': '|',
         '|': '&', '^': '|', '<<': '>>', '>>': '<<'}
TOKEN = re.compile(r'(?<= )(?:<<|>>|&&|\|\||[<>=!+\-*/|&]=|[-+*/%<>&|^])(?= )|(?<![\w.])\d+\.?\d*(?:e-?\d+)?(?![\w.])|!(?=[\w(])|'
                   r'\bif \(')

def blanked(lines):
    """The lines without comments and strings, same columns."""
    text = re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', lambda m: re.sub(r'[^\n]', ' ', m[0]), '\n'.join(lines), flags=re.S)
    return text.split('\n')

def alternatives(token, line, at):
    if token == 'if (':
        depth, end = 1, at + 4
        while end < len(line) and depth: depth, end = depth + (line[end] == '(') - (line[end] == ')'), end + 1
        return [] if depth else [(at, end, 'if (!(' + line[at + 4:end - 1] + '))')]
    if token == '!': words = ['']
    elif token.isdigit(): words = [str(int(token) + 1)] + ([str(int(token) - 1)] if int(token) else [])
    elif token[0].isdigit(): words = ['(2 * %s)' % token, '(%s / 4)' % token, '0.0']
    else: words = OTHER.get(token, '').split()
    return [(at, at + len(token), w) for w in words]

def sites(lines, live, room):
    tag, body, function = '', False, ''
    for i, line in enumerate(blanked(lines)):
        mark = re.match(r'   >>([a-z0-9.]+)', lines[i])
        if mark: tag = mark[1]; body = body or tag == 'base.impl'
        if not body or tag.split('.')[0] != room: continue
        if re.match(r'[A-Za-z]', line) and '(' in line: function = re.search(r'(\w+)\(', line.replace('HFY_', ''))[1]
        if i not in live or not line.startswith('  ') or 'HFY_ASSERT' in line: continue
        if lines[i].endswith('\\') or lines[i - 1].endswith('\\'): continue  # a macro
        for m in TOKEN.finditer(line):
            some = alternatives(m[0], line, m.start())
            if some: yield i, function, some
        whole = re.match(r' +((?:[\w>.\[\]-]+ [-+*/|]?= [^;]*|\w+\([^;]*\));)$', line.rstrip())
        if whole and whole[1].count('(') == whole[1].count(')') and not re.match(r'return|else', whole[1]):
            yield i, function, [(whole.start(1), whole.end(1), ';')]

def run(command, seconds, **more):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
        os.setsid()
    p = subprocess.Popen(command, cwd=tests, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=limit, **more)
    try: return p.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, 9)
        p.wait()
        return 'time'

def died(room, limits):
    """Where it died, None if it lives, False if it does not compile. limits: how long each may take, found out at first."""
    for flag in ([], ['-DHFY_DOUBLE'] + WORKERS):
        for test in TESTS[room].split():
            if flag and limits.get(test, 0) > 60: continue  # long ones in float alone
            flags = flag[:1] if test == 'index' else flag  # it counts scans
            flags = flags + ['-DCHECK_SLOW', '-DCHECK_STOP', '-o', 't', 'test_%s.c' % test, '-lm']
            if run(cc + flags, 600): return False
            start, key = time.time(), test + (' double' if flag else '')
            if run(['./t'], limits.get(key, 600)): return key
            limits.setdefault(key, 10 + 5 * (time.time() - start))
    return None

here = os.path.dirname(os.path.abspath(__file__))
top = os.path.abspath(sys.argv[1])
tests = top + '/tests'
shutil.rmtree(tests, ignore_errors=True)
os.makedirs(tests)
for f in os.listdir(here):
    if os.path.isfile(here + '/' + f): shutil.copy(here + '/' + f, tests)
cc = os.environ.get('CC') or ('tcc -w' if shutil.which('tcc') else 'cc -std=c99 -O1 -w')
cc = cc.split()
lines = open(here + '/../hfy.h').read().split('\n')
def put(text): open(top + '/hfy.h', 'w').write('\n'.join(text))
put(lines)
known = {}
if os.path.exists(here + '/mutants.txt'):
    for l in open(here + '/mutants.txt'):
        if '\t' in l: known[l.rstrip('\n').split('\t', 1)[1]] = l.split('\t')[0]
seed, count, again = int(os.environ.get('SEED') or 1), int(os.environ.get('COUNT') or 30), os.environ.get('AGAIN')
lived_file = top + '/lived'
wanted = set(open(lived_file).read().splitlines()) if again else set()
log, lives, total = open(top + '/log', 'w'), [], [0, 0, 0]
for room in (os.environ.get('ROOMS') or 'sep structure post net shard index').split():
    limits = {}
    if died(room, limits) is not None: sys.exit('%s: its tests fail as it is' % room)
    text = subprocess.run(cc + ['-E', 'test_%s.c' % TESTS[room].split()[-1]], cwd=tests, capture_output=True, text=True).stdout
    live, at, ours = set(), 0, False
    for l in text.split('\n'):
        mark = re.match(r'# ?(?:line )?(\d+) "([^"]*)"', l)
        if mark: at, ours = int(mark[1]) - 1, mark[2].endswith('hfy.h'); continue
        if ours and l.strip(): live.add(at)
        at += 1
    rng, n = random.Random('%s %d' % (room, seed)), [0, 0, 0]
    places = list(sites(lines, live, room))
    rng.shuffle(places)
    for i, function, some in places:
        picked = some if again else [rng.choice(some)]
        for a, b, word in picked:
            new = lines[i][:a] + word + lines[i][b:]
            name = '%s %s: %s ==> %s' % (room, function, lines[i].strip(), new.strip())
            if n[0] == count and not again or again and name not in wanted: continue
            wanted.discard(name)
            put(lines[:i] + [new] + lines[i + 1:])
            how = died(room, limits)
            if how is False: continue
            print('%s\t%s' % (how or 'LIVES', name), file=log, flush=True)
            n[0] += 1
            if how: n[1] += 1; continue
            verdict = known.get(name, 'not judged')
            n[2] += verdict in ('same', 'speed', 'rounding', 'elsewhere')
            lives.append(name)
            print('%s\t%s' % (verdict, name), flush=True)
    put(lines)
    print('%s: %d mutants, %d died, %d lived whose answers are the same' % (room, *n), flush=True)
    total = [x + y for x, y in zip(total, n)]
open(lived_file, 'w').write(''.join(l + '\n' for l in lives))
m, d, same = total
print('%d mutants, %d died (%.1f %%; of those that change an answer %.1f %%)' %
      (m, d, 100 * d / max(m, 1), 100 * d / max(m - same, 1)))
sys.exit(m > d + same)
