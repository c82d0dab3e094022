#!/usr/bin/python3
"""Mean ranks: what uci prints (given as a file) beside an SVC and a random forest on the same folds (python3-sklearn).

    build/uci > uci.txt; /usr/bin/python3 uci.py uci.txt [DIRECTORY]

SVC: radial kernel, C and gamma chosen on the validation folds; forest: 300 trees, seed 0, the share of columns chosen
likewise. Rank 1 is the highest accuracy of a set, ties share."""
import sys
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC

directory = sys.argv[2] if len(sys.argv) > 2 else "../../shared/data/uci"


def part(name, what): return np.loadtxt("%s/%s/%s_py.dat" % (directory, name, what), delimiter=",", ndmin=2)


def best(makers, x, y, train, valid, test):
    models = [make().fit(x[train], y[train]) for make in makers]
    right = [model.score(x[valid], y[valid]) for model in models]
    return models[int(np.argmax(right))].score(x[test], y[test])


svcs = [lambda c=c, g=g: SVC(C=c, gamma=g) for c in (0.1, 1, 10, 100) for g in (0.003, 0.01, 0.03, 0.1, "scale")]
forests = [lambda m=m: RandomForestClassifier(300, max_features=m, random_state=0) for m in ("sqrt", 0.5)]
rows = [line.split()[:2] for line in open(sys.argv[1]) if line.split()[0] not in ("set", "mean")]
scores = []
print("%-32s hopfield SVC    forest" % "set")
for name, ours in rows:
    x, y = part(name, name), part(name, "labels")[:, 0]
    tests, valids = part(name, "folds") > 0, part(name, "validation_folds") > 0
    score = [float(ours), 0, 0]
    for f in range(tests.shape[1]):
        test, valid = tests[:, f], valids[:, f] & ~tests[:, f]
        for i, makers in enumerate((svcs, forests)):
            score[i + 1] += best(makers, x, y, ~test & ~valid, valid, test) / tests.shape[1]
    scores.append(score)
    print("%-32s %.4f   %.4f %.4f" % (name, *score), flush=True)
s = np.array(scores)
rank = np.array([[(row > v).sum() + ((row == v).sum() + 1) / 2 for v in row] for row in np.round(s, 4)])
print("%-32s %.4f   %.4f %.4f" % ("mean accuracy", *s.mean(0)))
print("%-32s %.2f     %.2f   %.2f" % ("mean rank of %d sets" % len(s), *rank.mean(0)))
