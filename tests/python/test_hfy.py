"""hfy.py: that its structs are C's, that wrong libraries are refused, and what its classes answer beside plain NumPy."""
import contextlib
import copy
import io
import os
import pickle
import subprocess
import tempfile
import threading
import time
import unittest
from unittest import mock

import numpy as np

import hfy

DTYPES = (np.float32, np.float64)
HEADER = hfy._header()
STORE = os.path.join(os.path.dirname(hfy.__file__), "..", "store.h")
CC = os.environ.get("HFY_CC", "cc").split()


def rng():
    return np.random.default_rng(7)


def memory(dtype=np.float64, count=20, dim=16, **options):
    keys = rng().standard_normal((count, dim)).astype(dtype)
    return hfy.Memory(keys, **{"separation": "sparsemax", "beta": 2, **options})


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sparsemax(x):
    u = np.sort(x, -1)[..., ::-1]
    mass = np.cumsum(u, -1) - 1
    k = (u * np.arange(1, x.shape[-1] + 1) > mass).sum(-1, keepdims=True)
    return np.maximum(x - np.take_along_axis(mass, k - 1, -1) / k, 0)


def slope(function, x, step=1e-6):
    """The gradient of a number by central differences."""
    found = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        saved = x[at]
        x[at] = saved + step
        more = function()
        x[at] = saved - step
        found[at] = (more - function()) / (2 * step)
        x[at] = saved
    return found


class Interface(unittest.TestCase):
    def compiled(self, text, double, run=True):
        with tempfile.TemporaryDirectory() as folder:
            source, program = os.path.join(folder, "t.c"), os.path.join(folder, "t")
            with open(source, "w") as file:
                file.write(f'#include "{os.path.abspath(HEADER)}"\n#include <stdio.h>\n{text}')
            flags = ["-std=c99", "-Wall", "-Werror", "-O0"] + ["-DHFY_DOUBLE"] * double
            subprocess.run(CC + flags + (["-o", program, source] if run else ["-fsyntax-only", source]), check=True)
            return subprocess.run([program], capture_output=True, check=True, text=True).stdout if run else None

    def test_structs_are_those_of_c(self):
        for dtype in DTYPES:
            lib = hfy.library(dtype)
            lines, want = [], []
            for name, members in lib.declared.structs.items():
                struct = getattr(lib, name)
                lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
                want.append(f"{name} {hfy.ctypes.sizeof(struct)}")
                for member in members:
                    place = getattr(struct, member)
                    lines.append(f'printf("{name}.{member} %zu %zu\\n", offsetof({name}, {member}), '
                                 f'sizeof((({name} *)0)->{member}));')
                    want.append(f"{name}.{member} {place.offset} {place.size}")
            for name in (n for names in lib.declared.enums.values() for n in names):
                lines.append(f'printf("{name} %d\\n", (int){name});')
                want.append(f"{name} {lib.declared.constants[name]}")
            found = self.compiled("int main(void) {\n" + "\n".join(lines) + "\nreturn 0; }\n", dtype == np.float64)
            self.assertEqual(found.split("\n")[:-1], want)
            self.assertGreater(len(lib.declared.structs), 50)

    def test_prototypes_are_those_of_c(self):
        lib = hfy.library(np.float32)
        with open(HEADER, encoding="ascii") as file:
            text = file.read()
        declarations = text[:text.index("#endif /* HFY_H */")]
        self.assertEqual(declarations.count("\nHFY_API "), len(lib.declared.functions))
        self.assertEqual(set(lib.declared.functions) - lib.declared.renamed, set())

        def c(type_):
            array = f"const [{type_.length}]" if type_.length else ""
            return f"{'const ' if type_.const else ''}{type_.base} {'*' * type_.stars}{array}"

        again = [f"extern {c(result)} {name}({', '.join(c(t) for _, t in parameters) or 'void'});"
                 for name, (result, parameters) in lib.declared.functions.items()]
        for double in (False, True):
            self.compiled("\n".join(again) + "\n", double, run=False)

    def test_wrong_libraries_are_refused(self):
        declared = hfy.library(np.float32).declared
        body = "#include <stddef.h>\n#include <string.h>\n"
        version = 'const char *hfy_version%s(void) { return "%s"; }\n'
        layout = "size_t hfy_layout%s(const char *t) { return !strcmp(t, \"hfy_real\") ? 4 : 12; }\n"
        cases = [("", "float", "no hfy_version"), (version % ("", "0.0.9"), "float", "is hfy.h 0.0.9, the header"),
                 (version % ("", declared.version), "float", "no hfy_layout"),
                 (version % ("", declared.version) + layout % "", "float", "has 12 bytes there"),
                 (version % ("", declared.version) + layout % "", "double", "no hfy_version_d")]
        with tempfile.TemporaryDirectory() as folder:
            for number, (text, kind, message) in enumerate(cases):
                path = os.path.join(folder, f"{number}.so")
                subprocess.run(CC + ["-shared", "-fPIC", "-x", "c", "-", "-o", path], input=body + text, text=True, check=True)
                with self.assertRaisesRegex(hfy.LibraryError, message):
                    hfy.Library(path, kind == "double", declared)
            with self.assertRaisesRegex(hfy.LibraryError, "cannot load"):
                hfy.Library(os.path.join(folder, "none.so"), False, declared)
        with self.assertRaises(hfy.LibraryError):
            hfy.Library(hfy.library(np.float32).path, True, declared)
        with self.assertRaisesRegex(hfy.LibraryError, "too late"):
            hfy.use(header="elsewhere.h")
        with self.assertRaisesRegex(hfy.LibraryError, "no declarations"):
            hfy.Declarations("int x;")

    def test_compiles_once(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()) as said:
            header = os.path.join(folder, "small.h")
            cache = os.path.join(folder, "cache")
            with mock.patch.dict(os.environ, {"HFY_CACHE": cache, "HFY_CFLAGS": ""}):
                with open(header, "w") as file:
                    file.write("int small(void); int small(void) { return 1; }\n")
                path = hfy._compile(header, False)
                made = os.stat(path).st_mtime_ns
                self.assertEqual(os.listdir(cache), [os.path.basename(path)])  # and nothing beside it
                self.assertEqual(hfy._compile(header, False), path)
                self.assertEqual(os.stat(path).st_mtime_ns, made)
                self.assertEqual(said.getvalue().count("compiling"), 1)
                self.assertNotEqual(hfy._compile(header, True), path)
                with open(header, "a") as file:
                    file.write("broken\n")
                with self.assertRaisesRegex(hfy.LibraryError, "failed:"):
                    hfy._compile(header, False)
                self.assertEqual(len(os.listdir(cache)), 2)
                os.chmod(cache, 0o777)
                with self.assertRaisesRegex(hfy.LibraryError, "written by others"):
                    hfy._compile(header, False)
            with mock.patch.dict(os.environ, {"HFY_CACHE": header}):
                with self.assertRaisesRegex(hfy.LibraryError, "no cache at .*; HFY_CACHE names another"):
                    hfy._compile(header, False)
            with mock.patch.dict(os.environ, {"HFY_CC": "no-such-compiler"}):
                with self.assertRaisesRegex(hfy.LibraryError, "no compiler no-such-compiler"):
                    hfy._compile(header, False)
            with mock.patch.dict(os.environ, {"HFY_HEADER": "/no/such.h"}):
                with self.assertRaisesRegex(hfy.LibraryError, "no hfy.h at /no/such.h"):
                    hfy._header()

    def test_raw(self):
        for dtype in DTYPES:
            lib = hfy.library(dtype)
            keys, out = np.eye(2, 4, dtype=dtype), np.zeros(4, dtype)
            net = lib.hfy_net(dim=4, count=2, keys=keys, beta=3, sep=lib.hfy_sep(kind="sparsemax"))
            lib.hfy_retrieve(net, np.array([1, .2, 0, 0], dtype), 1, out, None)
            self.assertEqual(out.tolist(), [1, 0, 0, 0])
            work = lib.hfy_work()
            net.beta = -1
            with self.assertRaisesRegex(hfy.ArgumentError, "net->beta is -1"):
                lib.hfy_retrieve(net, out, 1, out, None, work)
            self.assertIn(b"net->beta", work.message)
            lib.hfy_work_free(work)
            with self.assertRaisesRegex(TypeError, "an array of float"):
                lib.hfy_retrieve(net, np.zeros(4, np.int32), 1, out, None)
            with self.assertRaisesRegex(ValueError, "C-contiguous"):
                lib.hfy_retrieve(net, np.zeros((4, 2), dtype)[:, 0], 1, out, None)
            out.flags.writeable = False
            with self.assertRaisesRegex(ValueError, "read-only"):
                lib.hfy_retrieve(net, keys, 1, out, None)
            with self.assertRaisesRegex(TypeError, "takes net, queries"):
                lib.hfy_retrieve(net)
            with self.assertRaisesRegex(AttributeError, "no member 'betta'"):
                net.betta = 1
            with self.assertRaisesRegex(AttributeError, "no hfy_nothing"):
                lib.hfy_nothing
            with self.assertRaisesRegex(hfy.ArgumentError, "'soft'; it should be one of softmax, sparsemax"):
                net.sep.kind = "soft"
        self.assertEqual(hfy.version(), lib.declared.version)
        self.assertIn(hfy.isa(), ("scalar", "sse2", "avx2", "avx512", "neon"))

    def test_what_a_struct_points_at_lives(self):
        lib = hfy.library(np.float64)
        net = lib.hfy_net(dim=4, count=2, keys=np.eye(2, 4), beta=3)
        net.sep.upper = np.array([.25, .5])  # by a view of a member, of an array that nobody else holds
        net.sep.kind = "sparsemax"
        again = net.copy()
        del net
        junk = [np.full(2, np.nan) for _ in range(1000)]
        out, query = np.zeros(4), np.array([9., 0, 0, 0])
        again.sep.upper, upper = None, again.sep.upper
        self.assertEqual(list((hfy.ctypes.c_double * 2).from_address(upper)), [.25, .5])
        lib.hfy_retrieve(again, query, 1, out, None)
        self.assertEqual((out.tolist(), len(junk)), ([1, 0, 0, 0], 1000))


class Recall(unittest.TestCase):
    def test_beside_numpy(self):
        for dtype in DTYPES:
            keys, q = rng().standard_normal((30, 9)).astype(dtype), rng().standard_normal((5, 9)).astype(dtype)
            values, readout = keys[::-1].copy(), rng().standard_normal((30, 4)).astype(dtype)
            k, x = keys.astype(float), q.astype(float)
            scores = {"dot": x @ k.T, "euclidean": -.5 * ((x[:, None] - k) ** 2).sum(-1), "manhattan": -abs(x[:, None] - k).sum(-1),
                      "cosine": x @ k.T / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(k, axis=1)}
            for similarity, s in scores.items():
                for name, weigh in (("softmax", softmax), ("sparsemax", sparsemax)):
                    m = hfy.Memory(keys, name, 1.5, similarity)
                    close = dict(rtol=0, atol=1e-5 if dtype == np.float32 else 1e-12)
                    np.testing.assert_allclose(m.scores(q), 1.5 * s, **close)
                    p = weigh(1.5 * s)
                    np.testing.assert_allclose(m.recall(q), p @ k, **close)
                    np.testing.assert_allclose(m.recall(q, weights=True).weights, p, **close)
                    m = hfy.Memory(keys, name, 1.5, similarity, values=values, readout=readout)
                    np.testing.assert_allclose(m.recall(q), p @ readout, **close)
                    m = hfy.Memory(keys, name, 1.5, similarity, values=values)
                    np.testing.assert_allclose(m.recall(q[0]), p[0] @ values, **close)
                    self.assertEqual(m.recall(q).dtype, dtype)

    def test_nothing_is_copied(self):
        wide = rng().standard_normal((20, 12))
        for keys in (wide, wide[:, 3:8], wide[::2], np.asfortranarray(wide)):
            m = hfy.Memory(keys, "sparsemax", 2)
            self.assertEqual(np.shares_memory(m.keys, wide), keys.flags.f_contiguous is False)
            np.testing.assert_array_equal(m.recall(keys), hfy.Memory(keys.copy(), "sparsemax", 2).recall(keys))
        m, out = hfy.Memory(wide, "sparsemax", 100, "euclidean"), np.empty((20, 12))
        self.assertIs(m.recall(wide, out), out)
        np.testing.assert_array_equal(out, wide)
        wide[0] = 5  # seen at once
        self.assertEqual(m.recall(wide[0]).tolist(), [5.0] * 12)
        rows = wide.copy()
        self.assertIs(m.recall(rows, rows), rows)
        with self.assertRaisesRegex(hfy.ArgumentError, "out: the shape"):
            m.recall(wide, np.empty((20, 11)))
        self.assertEqual(hfy.Memory([[1, 0], [0, 1]]).dtype, np.float32)
        self.assertEqual(hfy.Memory([[1, 0], [0, 1]], dtype=float).dtype, np.float64)
        self.assertEqual(m.recall(np.empty((0, 12))).shape, (0, 12))

    def test_report(self):
        m = memory(separation="entmax", beta=3, steps=4)
        a = m.recall(m.keys[:6] * .5, top=3, weights=True, energy=True)
        np.testing.assert_array_equal(a.out, m.recall(m.keys[:6] * .5))
        best = np.argsort(-a.weights, axis=1, kind="stable")[:, 0]
        np.testing.assert_array_equal(a.best, best)
        np.testing.assert_array_equal(a.support, (a.weights > 0).sum(1))
        for row in range(6):
            ids = a.ids[row][a.ids[row] >= 0]
            self.assertEqual(len(ids), min(3, a.support[row]))
            np.testing.assert_array_equal(a.top_weights[row][:len(ids)], a.weights[row][ids])
        self.assertTrue((np.diff(a.energy) <= 1e-12).all())
        np.testing.assert_allclose(a.energy[:, 0], m.energy(m.keys[:6] * .5), rtol=1e-12)
        np.testing.assert_allclose(a.energy[:, -1], m.energy(a.out), rtol=1e-12)
        self.assertTrue(a.ok.all() and (a.status == "OK").all() and (1 <= a.steps).all() and (a.residual < 1).all())
        one = m.recall(m.keys[0], top=2)
        self.assertEqual((one.out.shape, one.ids.shape, one.best.shape), ((16,), (2,), ()))
        self.assertFalse(hasattr(one, "weights"))
        null = memory(null_score=100.0).recall(np.ones((2, 16)), report=True)
        self.assertEqual(null.null_weight.tolist(), [1, 1])
        np.testing.assert_allclose(m.energy(m.keys[0], "paper") - m.energy(m.keys[0]),
                                   m.energy(m.keys[1], "paper") - m.energy(m.keys[1]))
        self.assertNotEqual(m.energy(m.keys[0], "paper"), m.energy(m.keys[0]))

    def test_one_bad_query_among_good_ones(self):
        m, q = memory(), rng().standard_normal((4, 16))
        q[2, 5] = np.nan
        a = m.recall(q, report=True)
        self.assertEqual(a.status.tolist(), ["OK", "OK", "ERR_NONFINITE", "OK"])
        self.assertEqual(a.ok.tolist(), [True, True, False, True])
        self.assertTrue(np.isnan(a.out[2]).all() and np.isfinite(a.out[[0, 1, 3]]).all())
        with self.assertRaisesRegex(hfy.NonFiniteError, "query 2"):
            m.recall(q)
        with self.assertRaises(hfy.UnsupportedError):  # about the whole call: raised with a report, too
            memory(similarity="cosine").recall(m.keys, energy=True)

    def test_errors(self):
        keys = np.eye(3)
        for kind, call, message in (
                (hfy.ArgumentError, lambda: hfy.Memory(keys, beta=-2), "net->beta is -2"),
                (ValueError, lambda: hfy.Memory(keys, beta=0), "beta is 0"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys, "sparsemx"), "'sparsemx'; it should be one of softmax"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys, similarity="near"), "dot, cosine"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys, post="cube"), "none, tanh"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys[0]), "keys: the shape"),
                (hfy.ArgumentError, lambda: hfy.Memory(np.empty((0, 3))), "keys: the shape"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys, values=np.eye(2, 3)), "values: the shape"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys, readout=np.eye(2)), "readout: the shape"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys, bias=[1, 2]), "bias: the shape"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys, steps=0), "steps is 0"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys).recall(np.ones(4)), "rows should have 3 numbers"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys).recall(np.ones((2, 2, 3))), "queries: the shape"),
                (TypeError, lambda: hfy.Memory(keys).recall(np.ones(3), betta=2), "no option 'betta'"),
                (TypeError, lambda: hfy.Memory(keys, dtype=np.int32), "dtype is int32"),
                (ValueError, lambda: hfy.Separation("entmax", alpha=0), "alpha is 0"),
                (AttributeError, lambda: hfy.Memory(keys, hfy.Separation("entmax", alfa=2)), "no member 'alfa'"),
                (hfy.UnsupportedError, lambda: hfy.Memory(keys, similarity="cosine").energy(keys), ""),
                (NotImplementedError, lambda: hfy.Memory(keys).radius(), "margin"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys).vjp(keys, keys, ("kees",)), "wrt: 'kees'"),
                (hfy.ArgumentError, lambda: hfy.Memory(keys).vjp(keys, keys[:2]), "cotangent: the shape"),
                (hfy.UnsupportedError, lambda: hfy.Memory(keys).vjp(keys, keys, ("alpha",)), ""),
                (hfy.InfeasibleError, lambda: hfy.Separation("sparsemax", upper=[.1, .1, .1]).apply(keys), "")):
            with self.subTest(message), self.assertRaisesRegex(kind, message):
                call()
        self.assertTrue(issubclass(hfy.NoMemoryError, MemoryError) and issubclass(hfy.FileError, OSError))
        self.assertEqual(set(hfy._ERRORS), {name[4:] for name in hfy.library().declared.statuses} - {"OK"})

    def test_settings_of_each_query(self):
        m, q = memory(separation="entmax"), rng().standard_normal((3, 16))
        betas, alphas = [.5, 1, 4], [1.2, 1.5, 3]
        found = m.recall(q, betas=betas, alphas=alphas)
        for i in range(3):
            alone = hfy.Memory(m.keys, hfy.Separation("entmax", alpha=alphas[i]), betas[i])
            np.testing.assert_array_equal(found[i], alone.recall(q[i]))
        bias = np.where(np.arange(20) < [[2], [7], [20]], 0, -np.inf)
        np.testing.assert_array_equal(m.recall(q, bias=bias), m.recall(q, visible=[2, 7, 20]))
        np.testing.assert_array_equal(m.recall(q, bias=bias[1]), m.recall(q, visible=7))
        np.testing.assert_array_equal(m.recall(q, steps=9, tol=1e-3), hfy.Memory(m.keys, "entmax", 2, steps=9, tol=1e-3).recall(q))
        with self.assertRaisesRegex(hfy.ArgumentError, "bias: the shape"):
            m.recall(q, bias=bias[:2])

    def test_every_separation_and_post(self):
        scores = rng().standard_normal((4, 6))
        given = {"sparsemap": dict(structure=hfy.Structure("at_most", 6, 2)), "sequence_ksubsets": dict(k=2, transition=.5)}
        for dtype in DTYPES:
            lib = hfy.library(dtype)
            for name in (n[8:].lower() for n in lib.declared.enums["hfy_sep_kind"]):
                s = hfy.Separation(name, **given.get(name, {}))
                p = s.apply(scores.astype(dtype))
                self.assertEqual((p.shape, p.dtype), ((4, 6), dtype))
                np.testing.assert_array_equal(p[0], s.apply(scores[0].astype(dtype)))
                self.assertEqual(s.vjp(scores.astype(dtype), p, p).shape, (4, 6))
            for name in (n[9:].lower() for n in lib.declared.enums["hfy_post_kind"]):
                post = hfy.Post(name, **({"matrix": np.eye(6)} if name == "linear" else {}))
                self.assertEqual(post.apply(scores.astype(dtype)).shape, (4, 6))
        s = hfy.Separation("sparsemax")
        np.testing.assert_allclose(s.apply(scores), sparsemax(scores), atol=1e-12)
        target = s.apply(scores)
        np.testing.assert_allclose(s.loss(scores, target), 0, atol=1e-12)
        np.testing.assert_allclose(s.loss(scores, target[::-1].copy()), s.value(target[::-1].copy()) + s.conjugate(scores)
                                   - (scores * target[::-1]).sum(1), atol=1e-12)
        self.assertEqual((s.margin(), hfy.Separation("softmax").margin()), (1, np.inf))
        both = hfy.Separation("sparsemax", plus=hfy.Separation("softmax"))
        np.testing.assert_allclose(both.apply(scores), sparsemax(scores) + softmax(scores), atol=1e-12)
        np.testing.assert_allclose(hfy.Separation("sparsemax", upper=np.full((4, 6), .25)).apply(scores).max(1), .25)
        np.testing.assert_allclose(hfy.Post("l2", radius=2).apply(scores[0]), 2 * scores[0] / np.linalg.norm(scores[0]))

    def test_structures(self):
        scores = np.array([3., 1, 2, 0])
        best = hfy.Separation("sparsemap", structure=hfy.Structure(
            oracle=lambda unary, higher: np.argsort(-unary)[:2], unaries=4, most=2))
        np.testing.assert_allclose(best.apply(scores), hfy.Separation("ksubsets", k=2).apply(scores))
        chain = hfy.Separation("sparsemap", structure=hfy.Structure("chain", [2, 2]))
        self.assertEqual(chain.apply(scores).tolist(), [1, 0, 1, 0])
        nested = memory(count=4)  # an oracle that recalls itself: it gets scratch memory of its own
        inner = hfy.Structure(oracle=lambda u, h: [int(nested.recall(nested.keys[0]).argmax() >= 0 and u.argmax())],
                              unaries=4, most=1)
        m = hfy.Memory(nested.keys, hfy.Separation("sparsemap", structure=inner), 5)
        np.testing.assert_allclose(m.recall(nested.keys), hfy.Memory(nested.keys, "sparsemax", 5).recall(nested.keys))

        def fails(unary, higher):
            raise KeyError("mine")
        failing = hfy.Separation("sparsemap", structure=hfy.Structure(oracle=fails, unaries=4, most=1))
        with self.assertRaisesRegex(KeyError, "mine"):
            failing.apply(scores)
        with self.assertRaisesRegex(KeyError, "mine"):
            hfy.Memory(nested.keys, failing).recall(nested.keys[0])
        many = hfy.Structure(oracle=lambda u, h: [0, 1, 2], unaries=4, most=2)
        with self.assertRaisesRegex(hfy.ArgumentError, "3 bits on; at most 2"):
            hfy.Separation("sparsemap", structure=many).apply(scores)
        with self.assertRaisesRegex(hfy.ArgumentError, "structure is 'tree'"):
            hfy.Separation("sparsemap", structure=hfy.Structure("tree")).apply(scores)

    def test_gradients(self):
        keys, q, d = rng().standard_normal((6, 4)), rng().standard_normal((3, 4)), rng().standard_normal((3, 2))
        readout, bias, beta = rng().standard_normal((6, 2)), rng().standard_normal(6), np.array([.7])

        def value():
            return float((d * hfy.Memory(keys, "entmax", beta[0], readout=readout, bias=bias, steps=2).recall(q)).sum())

        m = hfy.Memory(keys, "entmax", .7, readout=readout, bias=bias, steps=2)
        g = m.vjp(q, d, ("queries", "keys", "readout", "bias", "beta", "betas", "alpha"))
        own = hfy.Memory(keys, "entmax", .7, values=keys, readout=readout, bias=bias, steps=2).vjp(q, d, ("keys", "values"))
        np.testing.assert_allclose(own["keys"] + own["values"], g["keys"], atol=1e-12)
        for name, x in (("queries", q), ("keys", keys), ("readout", readout), ("bias", bias)):
            np.testing.assert_allclose(g[name], slope(value, x), atol=1e-7, err_msg=name)
        np.testing.assert_allclose(g["beta"], slope(value, beta)[0], atol=1e-7)
        np.testing.assert_allclose(g["betas"].sum(), g["beta"], atol=1e-12)
        wide = np.zeros((6, 9))
        wide[:, 2:6] = keys
        apart = hfy.Memory(wide[:, 2:6], "entmax", .7, readout=readout, bias=bias, steps=2).vjp(q, d, ("keys",))["keys"]
        np.testing.assert_array_equal(apart, g["keys"])
        gain, x = rng().uniform(1, 2, 4), rng().standard_normal((3, 4))

        def shaped():
            return float((x * hfy.Memory(keys, "softmax", 1, post=hfy.Post("layernorm", gain=gain, eps=.1)).recall(q)).sum())

        g = hfy.Memory(keys, "softmax", 1, post=hfy.Post("layernorm", gain=gain, eps=.1)).vjp(q, x, ("post.gain",))
        np.testing.assert_allclose(g["post.gain"], slope(shaped, gain), atol=1e-7)
        m = hfy.Memory(keys, "softmax", .3, steps=500, tol=1e-14)
        g = m.vjp(q, x, ("keys",), implicit=True)
        self.assertTrue((g["residual"] < 1e-9).all())

        def settled():
            return float((x * hfy.Memory(keys, "softmax", .3, steps=500, tol=1e-14).recall(q)).sum())
        np.testing.assert_allclose(g["keys"], slope(settled, keys), atol=1e-6)
        m = memory(separation="softmax")
        e = m.energy_gradient(m.keys[0] * .3)
        x = m.keys[0] * .3
        np.testing.assert_allclose(e, slope(lambda: float(m.energy(x)), x), atol=1e-6)

    def test_index_radius_sequence(self):
        keys = np.sign(rng().standard_normal((400, 160))).astype(np.float32)
        m = hfy.Memory(keys, "sparsemax", .2)
        q = keys[:50] * (rng().random((50, 160)) > .3)
        plain = m.recall(q)
        self.assertIs(m.index(), m)
        np.testing.assert_array_equal(m.recall(q), plain)
        with self.assertRaisesRegex(hfy.ArgumentError, "index"):
            keys[:] = keys[::-1].copy()
            m.recall(q)
        m.index(prefix=0)
        np.testing.assert_array_equal(m.recall(q), hfy.Memory(keys, "sparsemax", .2).recall(q))
        r = m.radius()
        gram = keys.astype(float) @ keys.T.astype(float)
        own = gram.diagonal().copy()
        np.fill_diagonal(gram, -np.inf)
        np.testing.assert_allclose(r.separation, own - gram.max(1))
        np.testing.assert_array_equal(gram[np.arange(400), r.rival], gram.max(1))
        self.assertTrue(r.stationary.all() and (r.radius >= r.radius_bound).all())
        m = memory(separation="sparsemax", beta=50)
        self.assertEqual(sorted(m.sequence(m.keys[3])), list(range(20)))

    def test_threads(self):
        m = memory(np.float32, 300, 64, separation="entmax")
        q = rng().standard_normal((400, 64)).astype(np.float32)
        want, found = m.recall(q), {}

        def part(i):
            found[i] = [m.recall(q[i::4]) for _ in range(5)]
        threads = [threading.Thread(target=part, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i in range(4):
            for again in found[i]:
                np.testing.assert_array_equal(again, want[i::4])
        big = rng().standard_normal((2000, 300)).astype(np.float32)  # long enough to be seen from here
        thread = threading.Thread(target=lambda: hfy.Memory(big).recall(big[:200]))
        thread.start()
        ticks = 0
        while thread.is_alive():
            time.sleep(.001)
            ticks += 1
        self.assertGreater(ticks, 3)  # it does not hold the interpreter

    def test_copies(self):
        m = memory(np.float32, separation=hfy.Separation("entmax", alpha=1.7), post="l2", steps=3).index()
        for again in (pickle.loads(pickle.dumps(m)), copy.deepcopy(m)):
            np.testing.assert_array_equal(again.recall(m.keys), m.recall(m.keys))
            self.assertEqual((again.beta, again.dtype, again._index_data is None), (2, np.float32, False))
        self.assertIn("Separation('entmax', alpha=1.7), beta=2", repr(m))


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "memory.safetensors")

    def test_memories_come_back(self):
        for dtype in DTYPES:
            keys = rng().standard_normal((9, 5)).astype(dtype)
            sparse = hfy.Separation("ksubsets", k=2, upper=np.full(9, .8), plus=hfy.Separation("entmax", alpha=np.inf))
            for m in (hfy.Memory(keys), hfy.Memory(keys, sparse, 3, readout=keys[:, :3], bias=np.arange(9)),
                      hfy.Memory(keys, "identity", .5, values=keys * 2, self_coupling=np.ones(5), step=.5, steps=4, tol=.01,
                                 post=hfy.Post("layernorm", gain=np.arange(1, 6), eps=.5, dof_minus=1)),
                      hfy.Memory(keys, "sparsemax", 3, null_score=-2.5).index()):
                m.save(self.path)
                again = hfy.Memory.load(self.path)
                np.testing.assert_array_equal(again.recall(keys, report=True).out, m.recall(keys, report=True).out)
                self.assertEqual((again.beta, again._index_data is None), (m.beta, m._index_data is None))
                self.assertIsInstance(again.keys.base, np.memmap)
            self.assertEqual(os.listdir(self.folder.name), ["memory.safetensors"])
        with self.assertRaisesRegex(hfy.UnsupportedError, "cannot be saved"):
            hfy.Memory(keys, hfy.Separation("sparsemap", structure=hfy.Structure("ksubsets", 9, 2))).save(self.path)
        with self.assertRaisesRegex(hfy.FormatError, "it is 'hfy.memory 1', not 'hfy.kernel 1'"):
            hfy.KernelMemory.load(self.path)

    def test_an_index_of_another_version_is_built_again(self):
        m = memory(np.float32).index()
        with mock.patch.object(hfy.Library, "hfy_index_check", create=True, side_effect=hfy.ArgumentError):
            m.save(self.path)
            self.assertIsNotNone(hfy.Memory.load(self.path)._index_data)

    @unittest.skipUnless(os.path.exists(STORE), "no examples/store.h")
    def test_what_a_store_saved(self):
        """examples/store.h writes, Python reads: the same answers, ids, labels."""
        source = f"""#define HFY_IMPLEMENTATION
            #define HFY_NO_SIMD
            #include "{os.path.abspath(HEADER)}"
            #include "{os.path.abspath(STORE)}"
            int main(int count, char **path) {{
              store s; hfy_net net = {{0}}; hfy_real x[5], out[5]; int i, d;
              net.dim = 5, net.beta = 3, net.sim = HFY_SIM_EUCLIDEAN;
              net.sep.kind = HFY_SEP_ENTMAX, net.sep.alpha = 1.25, net.max_steps = 2;
              net.post.kind = HFY_POST_LAYERNORM, net.post.eps = .5, net.post.dof_minus = 1;
              if (store_begin(&s, &net)) return 1;
              for (i = 0; i < 9; i++) {{
                for (d = 0; d < 5; d++) x[d] = (hfy_real)((i + 1) * (d + 2) % 7);
                if (store_add(&s, (uint64_t)(100 + i), x, i % 2 ? "odd" : "even")) return 2;
              }}
              if (store_remove(&s, 103) || store_save(&s, path[1]) || count < 2) return 3;
              if (store_recall(&s, x, 1, 0, NULL, NULL, NULL, out, NULL)) return 4;
              for (d = 0; d < 5; d++) printf("%.17g ", out[d]);
              store_close(&s);
              return 0; }}"""
        for double in (False, True):
            program = os.path.join(self.folder.name, "program")
            subprocess.run(CC + ["-O0", "-x", "c", "-", "-o", program, "-lm"] + ["-DHFY_DOUBLE"] * double, input=source, text=True,
                           check=True)
            said = subprocess.run([program, self.path], capture_output=True, check=True, text=True).stdout
            m = hfy.Memory.load(self.path)
            self.assertEqual((m.count, m.dtype, m.similarity), (8, np.float64 if double else np.float32, "euclidean"))
            self.assertEqual(sorted(m.ids.tolist()), [100, 101, 102, 104, 105, 106, 107, 108])
            self.assertEqual([m.labels[i] for i in np.argsort(m.ids)], ["even", "odd", "even"] + ["even", "odd"] * 2 + ["even"])
            x = [9 * (d + 2) % 7 for d in range(5)]
            np.testing.assert_allclose(m.recall(x), [float(n) for n in said.split()], rtol=1e-12 if double else 1e-6)

    def test_damage_is_seen(self):
        memory(np.float32, 3, 4).save(self.path)
        with open(self.path, "rb") as file:
            whole = file.read()
        cut = os.path.join(self.folder.name, "cut")
        for length in range(len(whole)):
            with open(cut, "wb") as file:
                file.write(whole[:length])
            for check in (True, False):
                with self.assertRaises(hfy.FormatError, msg=length):
                    hfy.Memory.load(cut, check)
        for at in range(len(whole)):
            with open(cut, "wb") as file:
                file.write(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
            with self.assertRaises(hfy.FormatError, msg=at):
                hfy.Memory.load(cut)

    def test_a_failed_write_leaves_the_old_file(self):
        memory().save(self.path)
        with open(self.path, "rb") as file:
            before = file.read()
        for name in ("replace", "fsync"):
            with mock.patch(f"os.{name}", side_effect=OSError("full")), self.assertRaisesRegex(OSError, "full"):
                memory(count=30).save(self.path)
            with open(self.path, "rb") as file:
                self.assertEqual(file.read(), before)
            self.assertEqual(os.listdir(self.folder.name), ["memory.safetensors"])
        with self.assertRaises(OSError):
            hfy.Memory.load(os.path.join(self.folder.name, "none"))


class Others(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "file")

    def test_kernel(self):
        x = rng().random((12, 40)) > .5
        m = hfy.KernelMemory(x)
        told = m.train()
        self.assertTrue(told.residual < 1e-8 and told.iterations > 0)
        self.assertEqual(m.stored()[0], 1)
        broken = x.copy()
        broken[:, :3] ^= True
        signs = np.where(x, 1, -1)
        np.testing.assert_array_equal(m.recall(broken), signs)
        np.testing.assert_array_equal(m.patterns, signs)
        report = m.recall(broken[0], report=True)
        self.assertEqual((report.period, report.flips), (1, 3))
        h, shift = m.potentials(x)
        k = np.exp(-.173286795 * 2 * (40 - signs @ signs.T))
        np.testing.assert_allclose(h * np.exp(shift)[:, None], k @ m.alpha, rtol=1e-6)
        self.assertEqual(m.basins([0, 2])[0], 1)
        self.assertEqual(m.explore(10).stored, m.explore(10).stored)
        self.assertGreater(m.spectra().alpha_1, 0)
        direct, _, geometry = m.forces(signs[0])
        np.testing.assert_allclose(geometry[0].direct, (direct ** 2).sum())
        m.save(self.path)
        again = hfy.KernelMemory.load(self.path)
        np.testing.assert_array_equal(again.alpha, m.alpha)
        np.testing.assert_array_equal(again.recall(broken), signs)
        seen = []
        with self.assertRaisesRegex(ZeroDivisionError, "mine"):
            def fails(iteration, residual):
                raise ZeroDivisionError("mine")
            m.train(progress=fails)
        self.assertTrue(m.train(progress=lambda i, r: seen.append((i, r)) or i >= 2).stopped)
        self.assertEqual([i for i, _ in seen], [1, 2])
        self.assertLessEqual(m.train(warm=True, lambda_=.01).products, told.products)
        pairs = hfy.KernelMemory(x[:5], targets=x[1:6, :7])
        pairs.train("ridge")
        np.testing.assert_array_equal(pairs.recall(x[:5]), signs[1:6, :7])
        pairs.save(self.path)
        np.testing.assert_array_equal(hfy.KernelMemory.load(self.path).targets, signs[1:6, :7])
        with self.assertRaisesRegex(hfy.ArgumentError, "rows should have 40 bits"):
            m.recall(x[:, :39])
        with self.assertRaisesRegex(hfy.ArgumentError, "neither|1"):
            hfy.KernelMemory([[1, 0, -1]])
        with self.assertRaises(hfy.ConvergenceError):
            m.train(max_iterations=1)

    def test_rate(self):
        r = np.exp(np.random.default_rng(0).standard_normal((3, 40)) - .5)
        m = hfy.RateMemory(r, power=1, sigma=1)
        self.assertTrue((m.stability() < 0).all())
        a = m.recall(m.perturb(.05, seed=3), report=True)
        self.assertTrue(a.ok.all() and (a.speed < 1e-6).all())
        np.testing.assert_allclose(a.out, r, rtol=1e-5)
        np.testing.assert_allclose(m.recall(m.patterns[1] * 1.01), r[1], rtol=1e-5)
        values, modes = m.spectrum(1)
        self.assertAlmostEqual(values.real.max(), m.stability()[1])
        self.assertAlmostEqual(modes.abscissa, m.stability()[1])
        self.assertGreater(m.basin(0, trials=3, bisections=2, most=.5), 0)
        m.save(self.path)
        again = hfy.RateMemory.load(self.path)
        self.assertEqual(again.theta, m.theta)
        np.testing.assert_array_equal(again.stability(), m.stability())
        sparse = r * (rng().random(r.shape) < .5)
        s = hfy.RateMemory(sparse, power=1, theta=.5)
        self.assertTrue(s.sparse)
        drive = sparse @ s.weights.T - .5
        np.testing.assert_allclose(np.maximum(drive, 0), sparse, atol=1e-9)
        with self.assertRaises(hfy.ConvergenceError):
            m.recall(r * 2, duration=.01)
        self.assertEqual(m.recall(r * 2, duration=.01, report=True).status.tolist(), ["ERR_CONVERGENCE"] * 3)
        with self.assertRaisesRegex(hfy.ArgumentError, "rows should have 40 rates"):
            m.recall(r[:, :3])

    def layer(self, model, forward, inputs):
        """Gradients against differences, in double."""
        out, tape = forward()
        outs = out if isinstance(out, list) else [out]
        d = [rng().standard_normal(o.shape) for o in outs]

        def value():
            again = forward()[0]
            return float(sum((a * b).sum() for a, b in zip(again if isinstance(again, list) else [again], d)))

        g = model.backward(tape, d if isinstance(out, list) else d[0])
        for name, x in inputs.items():
            parts = zip(x, g[name]) if isinstance(x, list) else [(x, g[name])]
            for array, found in parts:
                np.testing.assert_allclose(found, slope(value, array), atol=2e-6, err_msg=name)

    def test_layers(self):
        x, y = rng().standard_normal((2, 3, 4)), rng().standard_normal((2, 2, 4))
        z, layer = rng().standard_normal((2, 3, 4)), hfy.Layer(4, "entmax", heads=2, dtype=float)
        self.assertEqual(layer.named()["association_core.in_proj_weight"].shape, (12, 4))
        layer.params[:] = rng().standard_normal(len(layer.params)) * .4  # from where gradients are not small
        self.assertEqual(layer.forward(x)[0].shape, (2, 3, 4))
        self.layer(layer, lambda: layer.forward(x), {"stored": x, "params": layer.params})
        self.layer(layer, lambda: layer.forward(x, y, z), {"state": y, "stored": x, "projected": z})
        bags = [x[0].copy(), x[1, :2].copy()]
        self.layer(layer, lambda: layer.forward(bags), {"stored": bags})
        np.testing.assert_array_equal(layer(bags)[0], layer(x[0]))  # a bag does not see the others
        mask = rng().standard_normal((2, 3, 3))
        self.layer(layer, lambda: layer.forward(x, mask=mask), {"mask": mask})
        of_heads = rng().standard_normal((2, 2, 3, 3))  # bags, heads, state rows, stored rows
        self.layer(layer, lambda: layer.forward(x, mask=of_heads), {"mask": of_heads})
        np.testing.assert_array_equal(layer(x, mask=np.repeat(mask[:, None], 2, axis=1)), layer(x, mask=mask))
        np.testing.assert_array_equal(layer(x, causal=True)[:, 0], layer(x[:, :1])[:, 0])
        np.testing.assert_array_equal(layer(x, y, padding=[[0, 0, 1]] * 2), layer(x[:, :2].copy(), y))
        pooling = hfy.Layer(4, queries=2, dtype=float)
        pooling.params[:] = rng().standard_normal(len(pooling.params)) * .4
        self.assertEqual(([o.shape for o in pooling(bags)], pooling(x[0]).shape), ([(2, 4), (2, 4)], (2, 4)))
        self.layer(pooling, lambda: pooling.forward(x), {"stored": x, "params": pooling.params})
        lookup = hfy.Layer(4, memories=5, dtype=float)
        self.layer(lookup, lambda: lookup.forward(state=x), {"state": x})
        self.assertIn("no_bias", str(self.fails(lambda: hfy.Layer(4, flags="no_bia"))))
        self.assertIn("stored: 2 bags of rows of 3", str(self.fails(lambda: layer(x[..., :3]))))
        self.assertIn("neither", str(self.fails(layer)))
        layer.save(self.path)
        again = hfy.Layer(4, "entmax", heads=2, dtype=float, seed=5).load(self.path)
        np.testing.assert_array_equal(again(x), layer(x))
        self.assertIsInstance(self.fails(lambda: hfy.Layer(6, dtype=float).load(self.path)), hfy.FormatError)

    def fails(self, call):
        with self.assertRaises(hfy.Error) as caught:
            call()
        return caught.exception

    def test_blocks_dense_optimiser(self):
        x, y = rng().standard_normal((2, 3, 4)), rng().standard_normal((2, 2, 4))
        for cross in (False, True):
            block = hfy.Block(4, cross=cross, inner=5, kind="gelu", dtype=float)
            block.params[:] += rng().standard_normal(len(block.params)) * .1
            other = y if cross else None
            inputs = {"stored": x, "params": block.params, **({"memory": y} if cross else {})}
            self.layer(block, lambda: block.forward(x, other), inputs)
            self.assertEqual(block(x, other).shape, x.shape)
        out, tape = block.forward(x, y)
        block.backward(tape, out)
        self.assertIn("has been used", str(self.fails(lambda: block.backward(tape, out))))
        dense = hfy.Dense(4, 3, "tanh", dtype=float)
        self.layer(dense, lambda: dense.forward(x), {"x": x, "params": dense.params})
        target, optimiser, losses = rng().standard_normal((2, 3, 3)) * .1, hfy.Optimiser(dense, rate=.05), []
        for _ in range(40):
            out, tape = dense.forward(x)
            losses.append(((out - target) ** 2).sum())
            self.assertGreater(optimiser.step(dense.backward(tape, 2 * (out - target))["params"]), 0)
        self.assertLess(losses[-1], .2 * losses[0])


if __name__ == "__main__":
    unittest.main()
