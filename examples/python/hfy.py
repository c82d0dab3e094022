"""hfy.h in Python: associative memories over NumPy arrays, by ctypes alone.

    import hfy
    memory = hfy.Memory(keys, separation="sparsemax", beta=8)
    whole = memory.recall(broken)

The library is compiled from hfy.h by the system's compiler when it is first needed, and kept in a cache: one build for
float32 and one for float64. The dtype of the keys chooses. docs/python.md shows every class by example.

Structs and prototypes are read from hfy.h itself. A library of another version or of structs of other sizes is refused.

Environment (or use(), before anything else):
    HFY_HEADER                           where hfy.h is; else it is looked for beside this file and in ../..
    HFY_LIBRARY, HFY_LIBRARY_DOUBLE      shared objects to load instead of compiling (the second of -DHFY_DOUBLE)
    HFY_CC, HFY_CFLAGS                   compiler (else CC, else cc) and more flags, such as -fopenmp
    HFY_CACHE                            directory of compiled libraries (else ~/.cache/hfy)

Arrays that are C-contiguous (keys: rows may be apart) and of the memory's dtype are passed as they are, never copied;
others are converted first. Calls release the GIL, and each has scratch of its own, so threads may share a memory.
"""
import ctypes
import hashlib
import json
import math
import operator
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import threading
from types import SimpleNamespace

import numpy as np

# --------------------------------------------------------------------------------------------------------------------
# errors: one exception per status, each also the built-in one that fits
# --------------------------------------------------------------------------------------------------------------------


class Error(Exception):
    """What hfy.h says of a call that failed. status: its name, such as "ERR_ARG"."""
    status = None


def _kind(name, status, base):
    return type(name, (Error, base), {"status": status, "__module__": __name__})


ArgumentError = _kind("ArgumentError", "ERR_ARG", ValueError)
NoMemoryError = _kind("NoMemoryError", "ERR_NOMEM", MemoryError)
NonFiniteError = _kind("NonFiniteError", "ERR_NONFINITE", ArithmeticError)
InfeasibleError = _kind("InfeasibleError", "ERR_INFEASIBLE", ValueError)
SingularError = _kind("SingularError", "ERR_SINGULAR", ArithmeticError)
ConvergenceError = _kind("ConvergenceError", "ERR_CONVERGENCE", ArithmeticError)
UnsupportedError = _kind("UnsupportedError", "ERR_UNSUPPORTED", NotImplementedError)
FileError = _kind("FileError", "ERR_IO", OSError)
FormatError = _kind("FormatError", "ERR_FORMAT", ValueError)
LibraryError = _kind("LibraryError", None, ImportError)  # no library, or a wrong one
_ERRORS = {kind.status: kind for kind in Error.__subclasses__() if kind.status}

# --------------------------------------------------------------------------------------------------------------------
# hfy.h's declarations
# --------------------------------------------------------------------------------------------------------------------

_C = {"char": ctypes.c_char, "unsigned char": ctypes.c_ubyte, "signed char": ctypes.c_byte, "int": ctypes.c_int,
      "unsigned": ctypes.c_uint, "size_t": ctypes.c_size_t, "uint64_t": ctypes.c_uint64, "double": ctypes.c_double,
      "float": ctypes.c_float}
_CData = ctypes.Structure.__base__  # what all of ctypes' types have in common
_DTYPES = {"unsigned char": np.uint8, "signed char": np.int8, "int": np.intc, "size_t": np.uintp,
           "uint64_t": np.uint64, "double": np.float64, "float": np.float32}


class _Type(SimpleNamespace):
    """A declared type: base, stars, const, length (of an array; 0 = none), function (of a pointer to one: types)."""


def _declarator(text):
    """(name, _Type) of each name that `text`, a member or a parameter without its ;, declares."""
    pointer = re.match(r"(\w+) \(\*(\w+)\)\((.*)\)$", text)
    if pointer:
        result, name, parameters = pointer.groups()
        types = [t for p in parameters.split(",") for _, t in _declarator(p.strip())]
        return [(name, _Type(base="void", stars=1, const=True, length=0, function=[result] + types))]
    const, base, rest = re.match(r"(const )?(?:struct )?((?:un)?signed char|\w+)\s*(.*)$", text).groups()
    found = []
    for part in rest.split(","):
        stars, name, length = re.match(r"\s*([*\s]*)(?:const )?(\w*)(?:\[(\w+)\])?\s*$", part).groups()
        found.append((name, _Type(base=base, stars=stars.count("*"), const=bool(const), length=length or 0,
                                  function=None)))
    return found


class Declarations:
    """What hfy.h declares: version, constants, enums, structs, functions, and which names HFY_DOUBLE renames."""

    def __init__(self, text):
        try:
            text = text[text.index("#ifndef HFY_H\n"):text.index("#endif /* HFY_H */")]
        except ValueError:
            raise LibraryError("no declarations of hfy.h in the header") from None
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S).replace("\\\n", " ")
        self.constants = {name: int(value) for name, value in re.findall(r"#define (HFY_\w+) (\d+)\s*\n", text)}
        self.version = re.search(r'#define HFY_VERSION "(.*)"', text).group(1)
        self.renamed = set(re.findall(r"#define (\w+) \1_d\b", text))
        self.statuses = dict(re.findall(r'X\((HFY_\w+), "([^"]*)"\)', text))
        text = re.sub(r"#ifdef (?:HFY_DOUBLE|__cplusplus)\n.*?#endif", "", text, flags=re.S)
        text = re.sub(r"(?m)^\s*#.*$", "", text).replace("HFY_STATUS_LIST(HFY_STATUS_NAME)", ",".join(self.statuses))
        self.enums, self.structs, self.functions, self.pointers = {}, {}, {}, {}
        for statement in re.findall(r"\s*((?:[^;{}]|\{[^{}]*\})*);", text):
            self._read(" ".join(statement.split()))

    def _read(self, text):
        found = re.match(r"(?:typedef )?enum (\w*) ?\{(.*)\}", text)
        if found:
            value, names = -1, {}
            for item in filter(None, (i.strip() for i in found.group(2).split(","))):
                name, _, given = (part.strip() for part in item.partition("="))
                value = names[name] = int(given, 0) if given else value + 1
            self.constants.update(names)
            if found.group(1):
                self.enums[found.group(1)] = names
            return
        found = re.match(r"typedef struct (\w+) \{(.*)\}", text)
        if found:
            members = [m for part in found.group(2).split(";") if part.strip() for m in _declarator(part.strip())]
            self.structs[found.group(1)] = dict(members)
            return
        found = re.match(r"typedef (\w+ \(\*(\w+)\)\(.*\))$", text)
        if found:
            self.pointers[found.group(2)] = _declarator(found.group(1))[0][1]
            return
        found = re.match(r"HFY_API (.*?)(\w+)\((.*)\)$", text)
        if found:
            result, name, parameters = found.groups()
            parameters = [] if parameters == "void" else [_declarator(p.strip())[0] for p in parameters.split(",")]
            self.functions[name] = (_declarator(result + "result")[0][1], parameters)


class _Struct(ctypes.Structure):
    """A public struct. Members that are pointers take arrays, structs and functions; those that are enums take names
    in lower case ("sparsemax"). What a member points at lives as long as the struct."""
    _types = _library = None

    def __setattr__(self, name, value):
        if name not in self._types:
            raise AttributeError(f"{type(self).__name__} has no member {name!r}")
        root = self
        while root._b_base_ is not None:  # net.sep is a view into net
            root = root._b_base_
        root.__dict__.setdefault("_keep", {})[ctypes.addressof(self), name] = value
        super().__setattr__(name, self._library._c(value, self._types[name], name))

    def copy(self):
        other = type(self).from_buffer_copy(self)
        other.__dict__["_keep"] = {"of": self}
        return other


class _Work:
    """A hfy_work that is freed with its last owner."""

    def __init__(self, library):
        self.struct = library.hfy_work()
        self._free = library._symbol("hfy_work_free")

    def __del__(self):
        self._free(ctypes.addressof(self.struct))


class _Works(threading.local):
    def __init__(self):
        self.idle = []


class Library:
    """hfy.h in one precision: every public function, struct and constant under its name in C (names of functions and
    structs without _d). A function that takes a hfy_work gets one unless you pass yours, and raises on an error."""

    def __init__(self, path, double, declared):
        self.path, self.declared = str(path), declared
        self.dtype = np.dtype(np.float64 if double else np.float32)
        self._suffix = "_d" if double else ""
        self._dtypes = dict(_DTYPES, hfy_real=self.dtype, **{name: np.intc for name in declared.enums})
        self._works = _Works()
        try:
            self._dll = ctypes.CDLL(self.path)
        except OSError as error:
            raise LibraryError(f"cannot load {path}: {error}") from None
        self._structs()
        self._check()

    def _structs(self):
        for name, members in self.declared.structs.items():
            fields = [(member, self._ctype(type_)) for member, type_ in members.items()]
            setattr(self, name, type(name, (_Struct,), {"_fields_": fields, "_types": members, "_library": self}))

    def _ctype(self, type_, of_function=False):
        if type_.base == "void" and not type_.stars:
            return None
        if type_.base in self.declared.pointers or type_.stars or type_.function or (of_function and type_.length):
            plain = ctypes.c_void_p
        else:
            enums = self.declared.enums
            plain = _C.get(type_.base) or (ctypes.c_int if type_.base in enums else getattr(self, type_.base))
        if type_.length and not of_function:
            plain = plain * int(self.declared.constants.get(type_.length, type_.length))
        return plain

    def _symbol(self, name):
        try:
            symbol = self._dll[name + self._suffix]
        except AttributeError:
            raise LibraryError(f"{self.path} has no {name}{self._suffix}; hfy.h {self.declared.version} declares it"
                               ) from None
        result, parameters = self.declared.functions[name]
        symbol.argtypes = [self._ctype(type_, True) for _, type_ in parameters]
        text = result.stars and result.base == "char"
        symbol.restype = ctypes.c_char_p if text else self._ctype(result, True)
        return symbol

    def _check(self):
        version = self._symbol("hfy_version")().decode()
        if version != self.declared.version:
            raise LibraryError(f"{self.path} is hfy.h {version}, the header {self.declared.version}")
        layout = self._symbol("hfy_layout")
        sizes = {name: ctypes.sizeof(getattr(self, name)) for name in self.declared.structs}
        sizes.update(hfy_real=self.dtype.itemsize, hfy_status=ctypes.sizeof(ctypes.c_int))
        for name, size in sizes.items():
            theirs = layout(name.encode())
            if theirs != size:
                raise LibraryError(f"{self.path}: a {name} has {theirs} bytes there, {size} by the header")

    def __getattr__(self, name):
        if name in self.declared.constants:
            return self.declared.constants[name]
        if name not in self.declared.functions:
            raise AttributeError(f"hfy.h {self.declared.version} has no {name}")
        symbol = self._symbol(name)
        result, parameters = self.declared.functions[name]
        with_work = bool(parameters) and parameters[-1][0] == "work" and name != "hfy_work_free"
        most = len(parameters)

        def function(*arguments):
            if len(arguments) not in ((most - 1, most) if with_work else (most,)):
                raise TypeError(f"{name} takes {', '.join(p for p, _ in parameters)}")
            values = [self._c(a, type_, p) for a, (p, type_) in zip(arguments, parameters)]
            if not with_work or len(arguments) == most:
                value, message = symbol(*values), ""
                if with_work and arguments[-1] is not None:
                    message = arguments[-1].message.decode()
            else:
                idle = self._works.idle
                work = idle.pop() if idle else _Work(self)  # a callback that calls again takes another one
                value = symbol(*values, ctypes.addressof(work.struct))
                message = work.struct.message.decode()
                idle.append(work)
            if result.base != "hfy_status" or result.stars:
                return value.decode() if isinstance(value, bytes) else value
            if value:
                status = list(self.declared.statuses)[value]
                text = self.declared.statuses[status]
                raise _ERRORS[status[4:]](f"{text}: {message}" if message else text)

        function.__name__ = name
        function.__doc__ = f"{name}({', '.join(p for p, _ in parameters)}): see hfy.h"
        setattr(self, name, function)
        return function

    def _c(self, value, type_, name):
        """`value` as ctypes takes it for a parameter or member of this type."""
        if not type_.stars and not type_.function and type_.base not in self.declared.pointers:
            if isinstance(value, str) and type_.base in self.declared.enums:
                return _choice(self.declared.enums[type_.base], value, name)
            if type_.base == "double":
                return float(value)
            if type_.length or isinstance(value, (ctypes.Structure, ctypes.Array)):
                return value
            return operator.index(value)
        if isinstance(value, np.ndarray):
            dtype = self._dtypes.get(type_.base)
            if dtype is not None and value.dtype != dtype:
                raise TypeError(f"{name}: an array of {np.dtype(dtype)} is needed, not of {value.dtype}")
            if not value.flags.c_contiguous or not value.flags.aligned:
                raise ValueError(f"{name}: the array must be C-contiguous and aligned")
            if not type_.const and not value.flags.writeable:
                raise ValueError(f"{name}: the array is read-only")
            return value.ctypes.data
        if isinstance(value, ctypes._CFuncPtr):
            return ctypes.cast(value, ctypes.c_void_p).value
        if isinstance(value, _CData):
            return ctypes.addressof(value)
        return os.fsencode(value) if isinstance(value, (str, os.PathLike)) else value  # None, an address, bytes

    def callback(self, type_, function):
        """A Python function as C calls it: pointers come as addresses. type_: "hfy_structure_oracle", or a member's."""
        result, *parameters = (self.declared.pointers[type_] if isinstance(type_, str) else type_).function
        kinds = [self._ctype(p, True) for p in parameters]
        return ctypes.CFUNCTYPE(_C[result], *kinds)(function)


def _choice(choices, value, name):
    """The number of an enumerator by its name without the part that all of its enum share, in lower case."""
    shared = os.path.commonprefix(list(choices)).rpartition("_")[0] + "_"
    names = {full[len(shared):].lower(): number for full, number in choices.items()}
    if value not in names:
        raise ArgumentError(f"{name} is {value!r}; it should be one of {', '.join(names)}")
    return names[value]


# --------------------------------------------------------------------------------------------------------------------
# finding, compiling and loading it
# --------------------------------------------------------------------------------------------------------------------

_settings = {"header": None, False: None, True: None}
_loaded = {}
_lock = threading.RLock()


def use(header=None, float32=None, float64=None):
    """The header to read, and shared objects to load instead of compiling. To be called before anything else."""
    if _loaded:
        raise LibraryError("use() comes too late: a library is already loaded")
    _settings.update({"header": header, False: float32, True: float64})


def _header():
    here = os.path.dirname(os.path.abspath(__file__))
    given = _settings["header"] or os.environ.get("HFY_HEADER")
    for path in [given] if given else [os.path.join(here, "hfy.h"), os.path.join(here, "..", "..", "hfy.h")]:
        if os.path.isfile(path):
            return path
    raise LibraryError(f"no hfy.h {'at ' + given if given else 'beside hfy.py'}; HFY_HEADER says where it is")


def _cache():
    """A directory that nobody else can write to: what lies there is loaded into this process."""
    path = os.environ.get("HFY_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "hfy")
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError as error:
        raise LibraryError(f"no cache at {path} ({error}); HFY_CACHE names another directory") from None
    if hasattr(os, "getuid") and (os.stat(path).st_uid != os.getuid() or os.stat(path).st_mode & 0o022):
        raise LibraryError(f"{path} can be written by others; HFY_CACHE names another directory")
    return path


def _compile(header, double):
    """The path of the library for this header, compiler and flags, from the cache or made anew."""
    command = shlex.split(os.environ.get("HFY_CC") or os.environ.get("CC") or "cc") + ["-std=c99", "-O2"]
    command += shlex.split(os.environ.get("HFY_CFLAGS", "")) + ["-DHFY_DOUBLE"] * double
    try:
        compiler = subprocess.run([command[0], "--version"], capture_output=True, check=False).stdout
    except OSError as error:
        raise LibraryError(f"no compiler {command[0]} ({error}); HFY_CC names one, HFY_LIBRARY a compiled library"
                           ) from None
    with open(header, "rb") as file:
        text = file.read()
    key = hashlib.sha256(b"\0".join([text, compiler, " ".join(command).encode(), platform.machine().encode()]))
    path = os.path.join(_cache(), f"libhfy-{key.hexdigest()[:24]}.so")
    if os.path.isfile(path):
        return path
    print(f"hfy: compiling {'float64' if double else 'float32'} once, into {path}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        with open(os.path.join(folder, "hfy.h"), "wb") as file:
            file.write(text)  # what was hashed
        command += ["-fPIC", "-shared", "-DHFY_IMPLEMENTATION", "-x", "c", "hfy.h", "-o", "hfy.so", "-lm"]
        made = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        if made.returncode:
            raise LibraryError(f"{' '.join(command)} failed:\n{made.stderr.decode(errors='replace')[-2000:]}")
        os.replace(os.path.join(folder, "hfy.so"), path)
    return path


def library(dtype=None):
    """The Library for float32 or float64; None: whichever is loaded, else float32."""
    with _lock:
        if dtype is None:
            double = True in _loaded and False not in _loaded
        else:
            double = np.dtype(dtype) == np.float64
            if not double and np.dtype(dtype) != np.float32:
                raise TypeError(f"dtype is {np.dtype(dtype)}; it should be float32 or float64")
        if double not in _loaded:
            if "declared" not in _loaded:
                header = _header()
                with open(header, encoding="ascii", errors="replace") as file:
                    _loaded["declared"] = header, Declarations(file.read())
            header, declared = _loaded["declared"]
            given = _settings[double] or os.environ.get("HFY_LIBRARY_DOUBLE" if double else "HFY_LIBRARY")
            _loaded[double] = Library(given or _compile(header, double), double, declared)
        return _loaded[double]


def version():
    """Of the library, such as "0.2.0"."""
    return library().hfy_version()


def isa(dtype=None):
    """The instruction set that runs: "avx2"."""
    lib = library(dtype)
    return lib.hfy_simd_text(lib.hfy_simd_isa(None))


# --------------------------------------------------------------------------------------------------------------------
# arrays and settings
# --------------------------------------------------------------------------------------------------------------------


def _dtype(array, dtype=None):
    """float64 where the numbers are that, else float32."""
    if dtype is None:
        dtype = np.float64 if np.asarray(array).dtype == np.float64 else np.float32
    return library(dtype).dtype


def _rows(array, dtype, name="queries"):
    """(rows x n as C takes them, whether `array` was one row). Copies only what C cannot read as it is."""
    array = np.asarray(array)
    if array.ndim not in (1, 2) or array.size == 0 and array.shape[-1:] == (0,):
        raise ArgumentError(f"{name}: the shape is {array.shape}; it should be one row or rows of numbers")
    single = array.ndim == 1
    return np.require(array[None] if single else array, dtype, "CA"), single


def _strided(array, dtype, name):
    """(rows x n whose rows may be apart, numbers from one to the next)."""
    array = np.asarray(array)
    item = dtype.itemsize
    if array.ndim == 2 and array.dtype == dtype and array.flags.aligned and len(array) and array.strides[1] == item \
            and array.strides[0] % item == 0 and array.strides[0] >= array.shape[1] * item:
        return array, array.strides[0] // item
    if array.ndim != 2 or array.size == 0:
        raise ArgumentError(f"{name}: the shape is {array.shape}; it should be rows of numbers")
    array = np.require(array, dtype, "CA")
    return array, array.shape[1]


def _size(array):
    """Sizes as Python has them; SIZE_MAX, which stands for none, as -1."""
    return array.astype(np.uint64).view(np.int64)


def _plain(struct):
    """The members of a struct of numbers."""
    read = ((name, getattr(struct, name)) for name, *_ in struct._fields_)
    return SimpleNamespace(**{name: _plain(v) if isinstance(v, ctypes.Structure) else
                              list(v) if isinstance(v, ctypes.Array) else v for name, v in read})


def _outputs(lib, struct, **arrays):
    """A struct of pointers to these arrays, those that are None left out."""
    return getattr(lib, struct)(**{name: a for name, a in arrays.items() if a is not None})


class _Settings:
    """A kind and its members, from which a struct is made for either precision."""
    _struct = None
    _never_zero = ()

    def __init__(self, kind, members):
        self.kind, self.members = kind, {name: value for name, value in members.items() if value is not None}
        for name in self._never_zero:
            if isinstance(members.get(name), (int, float)) and not members[name]:
                raise ArgumentError(f"{name} is 0; it should be above 0, or left out")

    def __repr__(self):
        members = "".join(f", {name}={value!r}" for name, value in self.members.items())
        return f"{type(self).__name__}({self.kind!r}{members})"

    @classmethod
    def of(cls, given):
        return given if isinstance(given, cls) else cls(given)

    def struct(self, lib):
        made = getattr(lib, self._struct)()
        made.kind = self.kind
        for name, value in self.members.items():
            type_ = made._types.get(name)
            if type_ is not None and type_.stars and type_.base in ("double", "hfy_real"):
                value = np.require(value, lib._dtypes[type_.base], "CA")
                if name in ("upper", "lower") and value.ndim == 2:
                    made.bound_stride = value.shape[1]
            elif isinstance(value, (_Settings, Structure)):
                value = value.struct(lib)
            setattr(made, name, value)
        return made

    def described(self, name, tensors):
        """As JSON and, beside it, arrays by name."""
        numbers = {"kind": self.kind}
        for member, value in self.members.items():
            if isinstance(value, _Settings):
                numbers[member] = value.described(f"{name}.{member}", tensors)
            elif isinstance(value, Structure):
                raise UnsupportedError(f"{name}.{member}: a structure is code and cannot be saved")
            elif np.ndim(value):
                tensors[f"{name}.{member}"] = np.asarray(value)
            else:
                numbers[member] = np.asarray(value).item()
        return numbers

    @classmethod
    def restored(cls, numbers, name, tensors):
        numbers = {m: cls.restored(v, f"{name}.{m}", tensors) if isinstance(v, dict) else v for m, v in numbers.items()}
        arrays = {t.rpartition(".")[2]: array for t, array in tensors.items() if t.rpartition(".")[0] == name}
        return cls(**numbers, **arrays)


class Separation(_Settings):
    """From scores to weights. kind: softmax, sparsemax, entmax (alpha), normmax (gamma), ksubsets (k, rho),
    sequence_ksubsets (k, transition or transitions), sparsemap (structure), identity, power, rectified, even (degree),
    exp, argmax (k), uniform. upper, lower: bounds of sparsemax and ksubsets. plus: another Separation that is added."""
    _struct = "hfy_sep"
    _never_zero = ("k", "alpha", "gamma", "degree", "rho")

    def __init__(self, kind="softmax", **members):
        if members.get("plus") is not None:
            members["plus"] = Separation.of(members["plus"])
        super().__init__(kind, members)

    def run(self, function, *arguments):
        """A call, in which an oracle of the caller's may raise."""
        part, structures = self, []
        while part is not None:
            structures.append(part.members.get("structure"))
            part = part.members.get("plus")
        oracles = [s for s in structures if s is not None and s.oracle]
        for structure in oracles:
            structure.failed = None
        try:
            return function(*arguments)
        except Error:
            for structure in oracles:
                if structure.failed:
                    raise structure.failed from None
            raise

    def _call(self, name, *arrays, out=None):
        """hfy_sep_`name` over rows; what comes back has the shape of the first (out: one number a row)."""
        dtype = _dtype(arrays[0])
        lib, rows = library(dtype), [_rows(a, dtype, "scores") for a in arrays]
        first, single = rows[0]
        if any(a.shape != first.shape for a, _ in rows):
            raise ArgumentError(f"shapes differ: {[a.shape for a, _ in rows]}")
        made = np.empty(first.shape, dtype) if out is None else np.empty(len(first))
        self.run(getattr(lib, name), self.struct(lib), *(a for a, _ in rows), *first.shape, made)
        return made[0] if single else made

    def apply(self, scores):
        """The weights of each row of scores (hfy_sep_apply)."""
        return self._call("hfy_sep_apply", scores)

    def value(self, weights):
        """Omega of each row (hfy_sep_value)."""
        return self._call("hfy_sep_value", weights, out="number")

    def conjugate(self, scores):
        """Omega* of each row (hfy_sep_conjugate)."""
        return self._call("hfy_sep_conjugate", scores, out="number")

    def loss(self, scores, weights):
        """The Fenchel-Young loss of each row (hfy_sep_loss)."""
        return self._call("hfy_sep_loss", scores, weights, out="number")

    def vjp(self, scores, weights, cotangent):
        """J^T cotangent by the scores, at weights = apply(scores) (hfy_sep_vjp)."""
        dtype = _dtype(scores)
        lib = library(dtype)
        rows = [_rows(a, dtype, "scores")[0] for a in (scores, weights, cotangent)]
        to = np.empty(rows[0].shape, dtype)
        self.run(lib.hfy_sep_vjp, self.struct(lib), *rows, *to.shape, lib.hfy_sep_grad(theta=to))
        return to.reshape(np.shape(scores))

    def margin(self):
        """The lead from which on one pattern takes all the weight (hfy_sep_margin); inf: none."""
        lib = library()
        return lib.hfy_sep_margin(self.struct(lib))


class Post(_Settings):
    """Post-transformation. kind: none, tanh (beta), sign, l2 (radius, eps), layernorm (eta or gain, delta, eps,
    dof_minus), linear (matrix), rectified_power (power, sigma, theta)."""
    _struct = "hfy_post"
    _never_zero = ("beta", "radius", "eta", "power")

    def __init__(self, kind="none", **members):
        super().__init__(kind, members)

    def apply(self, z):
        """hfy_post_apply over rows."""
        dtype = _dtype(z)
        lib, (rows, single) = library(dtype), _rows(z, dtype, "z")
        made = np.empty(rows.shape, dtype)
        lib.hfy_post_apply(self.struct(lib), rows, None, *rows.shape, made)
        return made[0] if single else made


class Structure:
    """A structure for Separation("sparsemap"): ksubsets (n, k), at_most (n, k), sequence (n, k), chain (states of each
    variable), matching (n); or oracle=f with unaries, higher, most: f(unary, higher) returns the numbers of the bits
    that are on in a best vertex (hfy_structure). tol, max_steps, max_active as in hfy.h."""

    def __init__(self, kind=None, *sizes, oracle=None, **members):
        self.kind, self.sizes, self.oracle, self.members = kind, sizes, oracle, members
        self.failed = None

    def struct(self, lib):
        if self.oracle:
            most, unaries = self.members["most"], self.members["unaries"]
            higher = self.members.get("higher", 0)

            def call(_, unary, parts, on, __):
                try:
                    scores = [np.frombuffer((ctypes.c_double * n).from_address(at)) if n and at else np.zeros(n)
                              for at, n in ((unary, unaries), (parts, higher))]
                    bits = [operator.index(bit) for bit in self.oracle(*scores)]
                    if len(bits) > most:
                        raise ArgumentError(f"oracle: {len(bits)} bits on; at most {most} may be")
                    (ctypes.c_size_t * most).from_address(on)[:len(bits)] = bits
                    return len(bits)
                except BaseException as error:  # it cannot pass through C
                    self.failed = error
                    return ctypes.c_size_t(-1).value

            return lib.hfy_structure(oracle=lib.callback("hfy_structure_oracle", call), **self.members)
        sizes = self.sizes
        if self.kind == "chain":
            states = np.require(sizes[0], np.uintp, "CA")
            sizes = (len(states), states)
        if "hfy_structure_" + str(self.kind) not in lib.declared.functions:
            raise ArgumentError(f"structure is {self.kind!r}; it should be ksubsets, at_most, sequence, ...")
        made = getattr(lib, f"hfy_structure_{self.kind}")(*sizes)
        for name, value in self.members.items():
            setattr(made, name, value)
        if self.kind == "chain":
            made.states = states
        return made


# --------------------------------------------------------------------------------------------------------------------
# files: safetensors with settings and a checksum in their metadata, written beside the old file and renamed
# --------------------------------------------------------------------------------------------------------------------

_TENSORS = {"F64": np.float64, "F32": np.float32, "U64": np.uint64, "I64": np.int64, "U8": np.uint8, "I8": np.int8}


def _write(path, what, settings, tensors):
    """path becomes a safetensors file; what: such as "memory". A write that fails leaves the old file as it was."""
    names = sorted(tensors, key=lambda name: (name != "index.data", -tensors[name].dtype.itemsize, name))
    head, body = {"__metadata__": {"format": f"hfy.{what} 1", "version": version(), "settings": json.dumps(settings),
                                   "sha256": "0" * 64}}, []
    at = 0
    for name in names:
        array = np.ascontiguousarray(tensors[name])
        kind = next(kind for kind, dtype in _TENSORS.items() if array.dtype == dtype)
        head[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        body.append(array.astype(array.dtype.newbyteorder("<"), copy=False))
        at += array.nbytes
    head = json.dumps(head).encode()
    head += b" " * (-(len(head) + 8) % 64)  # elements from a multiple of 64 on
    head = len(head).to_bytes(8, "little") + head
    checksum = hashlib.sha256(head)
    for array in body:
        checksum.update(array.data)
    head = head.replace(b"0" * 64, checksum.hexdigest().encode(), 1)
    part = f"{os.path.realpath(path)}.{os.getpid()}.part"
    try:
        with open(part, "wb") as file:
            file.write(head)
            for array in body:
                file.write(array.data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, os.path.realpath(path))
    finally:
        if os.path.exists(part):
            os.remove(part)


def _read(path, what, check=True):
    """(settings, or None for a store; tensors by name, mapped from the file). check: its checksum, which reads all."""
    data = np.memmap(path, np.uint8, "r") if os.path.getsize(path) else np.empty(0, np.uint8)
    try:
        start = 8 + int.from_bytes(data[:8].tobytes(), "little")
        if len(data) < 8 or start > len(data):
            raise ValueError("truncated")
        body, raw = data[start:], data[:start].tobytes()
        head = json.loads(raw[8:])
        meta = head.pop("__metadata__")
        store = what == "memory" and meta["format"] == "hfy store 1"  # by examples/store.h: its checksum is its own
        if not store and meta["format"] != f"hfy.{what} 1":
            raise ValueError(f"it is {meta['format']!r}, not 'hfy.{what} 1'")
        tensors, end = {}, 0
        for name, tensor in sorted(head.items(), key=lambda item: item[1]["data_offsets"]):
            first, last = tensor["data_offsets"]
            dtype = np.dtype(_TENSORS[tensor["dtype"]]).newbyteorder("<")
            size = math.prod(tensor["shape"]) * dtype.itemsize
            if first != end or last - first != size or min(tensor["shape"], default=1) < 0:
                raise ValueError(f"tensor {name}: its bytes are not where they should be")
            end = last
            tensors[name] = body[first:last].view(dtype).reshape(tensor["shape"])
        if end != len(body):
            raise ValueError(f"{len(body)} bytes of tensors, not {end}")
        if check and not store:
            checksum = hashlib.sha256(raw.replace(meta["sha256"].encode(), b"0" * 64, 1))
            checksum.update(body.data)
            if checksum.hexdigest() != meta["sha256"]:
                raise ValueError("its checksum is wrong: it has changed since it was written")
        if sys.byteorder == "big":
            tensors = {name: tensor.astype(tensor.dtype.newbyteorder("=")) for name, tensor in tensors.items()}
        settings = None if store else json.loads(meta["settings"])
        return settings, {name: np.asarray(tensor) for name, tensor in tensors.items()}
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:  # broken JSON: a ValueError
        raise FormatError(f"{path}: {error}") from None


# --------------------------------------------------------------------------------------------------------------------
# the memory
# --------------------------------------------------------------------------------------------------------------------


class Answer(SimpleNamespace):
    """What a recall can tell. One entry a query (for one query that entry itself):
    out; ok, status ("OK", or why there is no answer: out is NaN then); best, best_score; steps, residual, cycle;
    support (not for softmax and exp unless more is asked for); with top=k: ids, scores, top_weights (n x k, ids are -1
    where there are fewer); with weights=True: weights (n x N); with energy=True: energy (n x (steps + 1)); with a
    null_score: null_weight."""


def _restored(keys, made_of, indexed):
    memory = Memory(keys, **made_of)
    return memory.index() if indexed else memory


_QUERY = ("bias", "visible", "betas", "alphas", "gammas", "ks")
_WRT = ("queries", "keys", "values", "readout", "bias", "self_coupling", "beta", "alpha", "gamma", "transition",
        "transitions", "upper", "lower", "betas", "alphas", "gammas", "null_score")


class Memory:
    """An associative memory over `keys`, N rows of D numbers, which it borrows.

    similarity: dot, cosine, euclidean, manhattan. separation, post: a name, or Separation(...), Post(...). beta: None =
    hfy.h's default. values: what is projected in every step; readout: rows of any width for the answer. bias, visible,
    betas, alphas, gammas, ks: of each query, see hfy_net. step: leak; steps: at most so many; tol: stops sooner.
    null_score: a null pattern with this score, so that a query may abstain. dtype: float32 or float64; None: float64
    where the keys are that."""

    def __init__(self, keys, separation="softmax", beta=None, similarity="dot", post="none", *, values=None,
                 readout=None, bias=None, self_coupling=None, step=None, steps=1, tol=0.0, null_score=None, dtype=None):
        self.dtype = _dtype(keys, dtype)
        lib = self._lib = library(self.dtype)
        self.separation, self.post, self.similarity = Separation.of(separation), Post.of(post), similarity
        self.keys, stride = _strided(keys, self.dtype, "keys")
        self.count, self.dim = self.keys.shape
        net = self._net = lib.hfy_net(dim=self.dim, count=self.count, keys=self.keys.ctypes.data, key_stride=stride,
                                      sim=similarity, sep=self.separation.struct(lib), post=self.post.struct(lib),
                                      tol=tol, max_steps=self._steps(steps))
        self.values = self.readout = self.self_coupling = self.bias = None
        for name, given in (("values", values), ("readout", readout)):
            if given is not None:
                given, stride = _strided(given, self.dtype, name)
                if len(given) != self.count or name == "values" and given.shape[1] != self.dim:
                    raise ArgumentError(f"{name}: the shape is {given.shape}; it should be {self.count} rows"
                                        + (f" of {self.dim}" if name == "values" else ""))
                setattr(self, name, given)
                setattr(net, name, given.ctypes.data)
                setattr(net, "value_stride" if name == "values" else "readout_stride", stride)
        if self.readout is not None:
            net.readout_dim = self.readout.shape[1]
        if self_coupling is not None:
            self.self_coupling = self._array(self_coupling, self.dtype, (self.dim,), "self_coupling")
            net.self_coupling = self.self_coupling
        if bias is not None:
            self.bias = net.bias = self._array(bias, self.dtype, (self.count,), "bias")
        for name, given in (("beta", beta), ("step", step)):
            if given is not None:
                if not given:
                    raise ArgumentError(f"{name} is 0; it should be above 0, or None for the default")
                setattr(net, name, given)
        if null_score is not None:
            net.null_pattern, net.null_score = 1, null_score
        self._index_data = None
        lib.hfy_net_check(net, None)
        self._made_of = dict(
            separation=self.separation, beta=beta, similarity=similarity, post=self.post, values=self.values,
            readout=self.readout, bias=self.bias, self_coupling=self.self_coupling, step=step, steps=steps, tol=tol,
            null_score=null_score, dtype=self.dtype)

    def __reduce__(self):
        return _restored, (self.keys, self._made_of, self._index_data is not None)

    def __repr__(self):
        return f"Memory({self.count} x {self.dim} {self.dtype}, {self.separation!r}, beta={self.beta:g})"

    @staticmethod
    def _steps(steps):
        if operator.index(steps) < 1:
            raise ArgumentError(f"steps is {steps}; it should be 1 or more")
        return steps

    @staticmethod
    def _array(array, dtype, shape, name):
        array = np.require(array, dtype, "CA")
        if array.shape != shape:
            raise ArgumentError(f"{name}: the shape is {array.shape}; it should be {shape}")
        return array

    @property
    def beta(self):
        """As it is used, hfy.h's default included."""
        full = self._lib.hfy_net()
        self._lib.hfy_net_check(self._net, full)
        return full.beta

    def _queries(self, queries):
        rows, single = _rows(queries, self.dtype)
        if rows.shape[1] != self.dim:
            raise ArgumentError(f"queries: the shape is {rows.shape}; rows should have {self.dim} numbers")
        return rows, single

    def _with(self, n, steps=None, tol=None, **of_queries):
        """The net with settings of this call."""
        net = self._net.copy()
        if steps is not None:
            net.max_steps = self._steps(steps)
        if tol is not None:
            net.tol = tol
        for name, given in of_queries.items():
            if name not in _QUERY:
                raise TypeError(f"no option {name!r}; there are steps, tol, {', '.join(_QUERY)}")
            if given is None:
                continue
            if name == "bias":
                given = np.require(given, self.dtype, "CA")
                net.bias_stride = self.count if given.ndim == 2 else 0
                given = self._array(given, self.dtype, (n, self.count) if given.ndim == 2 else (self.count,), name)
            else:
                dtype = np.uintp if name == "visible" else np.float64
                given = self._array(np.broadcast_to(given, (n,)), dtype, (n,), name)
            setattr(net, name, given)
        return net

    def _run(self, name, *arguments):
        return self.separation.run(getattr(self._lib, name), *arguments)

    def recall(self, queries, out=None, *, report=False, weights=False, top=0, energy=False, **options):
        """The answers, one row a query. options: steps, tol, bias, visible, betas, alphas, gammas, ks.
        With report, weights, top or energy: an Answer. Without, a query that has no answer raises."""
        q, single = self._queries(queries)
        n, net = len(q), self._with(len(q), **options)
        told = report or weights or top or energy
        shape = (n, net.readout_dim if self.readout is not None else self.dim)
        if out is None:
            out = np.full(shape, np.nan, self.dtype) if told else np.empty(shape, self.dtype)
        elif out.shape != (shape[1:] if single else shape) or out.dtype != self.dtype:
            raise ArgumentError(f"out: the shape is {out.shape} of {out.dtype}; it should be {shape} of {self.dtype}")
        result = out
        if not told:
            if n:
                self._run("hfy_retrieve", net, q, n, out, None)
            return result[0] if single and result.ndim == 2 else result
        whole, ids, none = weights or top or energy or self.separation.kind not in ("softmax", "exp"), (n, top), None
        sizes = {name: np.zeros(n, np.uintp) for name in ("best", "steps", "cycle")}
        arrays = dict(
            sizes, status=np.full(n, -1, np.intc), residual=np.full(n, np.nan),
            best_score=np.full(n, np.nan, self.dtype),
            support=np.zeros(n, np.uintp) if whole else none,
            energy=np.full((n, max(1, net.max_steps) + 1), np.nan) if energy else none,
            top_index=np.full(ids, ctypes.c_size_t(-1).value, np.uintp) if top else none,
            top_weight=np.zeros(ids, self.dtype) if top else none,
            top_score=np.full(ids, np.nan, self.dtype) if top else none,
            weights=np.full((n, self.count), np.nan, self.dtype) if weights else none,
            null_weight=np.zeros(n, self.dtype) if net.null_pattern else none)
        told = _outputs(self._lib, "hfy_report", **arrays)
        told.top = top
        try:
            if n:
                self._run("hfy_retrieve", net, q, n, out, told)
        except Error:
            if (arrays["status"] < 0).any():
                raise  # about the call as a whole: nothing was answered
        names = np.array([status[4:] for status in self._lib.declared.statuses])
        found = {name: array for name, array in arrays.items() if array is not None}
        for name in ("best", "support", "steps", "cycle", "top_index"):
            if name in found:
                found[name] = _size(found[name])
        for name, short in (("top_index", "ids"), ("top_score", "scores"), ("top_weight", "top_weights")):
            if name in found:
                found[short] = found.pop(name)
        found.update(out=out.reshape(shape), ok=arrays["status"] == 0, status=names[arrays["status"]])
        return Answer(**{name: a[0] for name, a in found.items()} if single else found)

    def scores(self, queries):
        """beta sim(keys, query), n x N: what the separation gets before a bias (hfy_sim_scores)."""
        q, single = self._queries(queries)
        made = np.empty((len(q), self.count), self.dtype)
        net = self._net
        self._lib.hfy_sim_scores(net.sim, self.beta, net.keys, self.count, self.dim, net.key_stride, q, len(q), made)
        return made[0] if single else made

    def energy(self, queries, form="raw", **options):
        """E of each query, which steps descend (hfy_energy). form: raw, or with the papers' constants: paper, fy."""
        q, single = self._queries(queries)
        net, made, constant = self._with(len(q), **options), np.empty(len(q)), np.zeros(1)
        if form != "raw":
            self._run("hfy_energy_constant", net, form, constant)
        self._run("hfy_energy", net, q, len(q), made)
        made += constant
        return made[0] if single else made

    def energy_gradient(self, queries, **options):
        """dE/dq of each query (hfy_energy_gradient)."""
        q, single = self._queries(queries)
        made = np.empty(q.shape, self.dtype)
        self._run("hfy_energy_gradient", self._with(len(q), **options), q, len(q), made)
        return made[0] if single else made

    def vjp(self, queries, cotangent, wrt=("queries",), implicit=False, **options):
        """Gradients of sum(cotangent * recall(queries)) by each of `wrt`: queries, keys, values, readout, bias,
        self_coupling, beta, alpha, gamma, betas, ..., and "post.gain" and the like (hfy_retrieve_vjp); of numbers
        they are floats. implicit: through the fixed point; "residual" is then told, too."""
        q, single = self._queries(queries)
        n, net = len(q), self._with(len(q), **options)
        width = net.readout_dim if self.readout is not None else self.dim
        d, _ = _rows(cotangent, self.dtype, "cotangent")
        if d.shape != (n, width):
            raise ArgumentError(f"cotangent: the shape is {d.shape}; it should be {(n, width)}")
        lib, grad, arrays = self._lib, self._lib.hfy_grad(implicit=int(implicit)), {}
        bounds = {name: np.shape(self.separation.members.get(name, ())) for name in ("upper", "lower", "transitions")}
        shapes = dict(bounds, queries=(n, self.dim), betas=(n,), alphas=(n,), gammas=(n,),
                      keys=(self.count, net.key_stride), values=(self.count, net.value_stride),
                      readout=(self.count, net.readout_stride),
                      self_coupling=(self.dim,), bias=(n, self.count) if net.bias_stride else (self.count,))
        for name in tuple(wrt) + ("residual",) * bool(implicit):
            part, _, member = name.rpartition(".")
            if name not in _WRT + ("residual",) and part != "post":
                raise ArgumentError(f"wrt: {name!r}; there are {', '.join(_WRT)}, and post.gain and the like")
            struct = getattr(grad, part) if part else grad
            if member not in struct._types:
                raise ArgumentError(f"wrt: hfy.h has no gradient by {name!r}")
            if part:
                whole = (self.dim,) if member in ("gain", "delta") else (1,)
                shape = np.shape(self.post.members.get(member, ())) or whole
            else:
                shape = (n,) if name == "residual" else shapes.get(member, (1,))
            arrays[name] = np.zeros(shape, lib._dtypes[struct._types[member].base])
            setattr(struct, member, arrays[name])
        self._run("hfy_retrieve_vjp", net, q, n, d, grad)
        widths = dict(keys=self.dim, values=self.dim, readout=width)
        for name, array in arrays.items():
            if name in widths:
                arrays[name] = array[:, :widths[name]]
            elif array.shape == (1,) and name not in ("betas", "alphas", "gammas", "residual", "bias"):
                arrays[name] = float(array[0])
        if single and "queries" in arrays:
            arrays["queries"] = arrays["queries"][0]
        return arrays

    def index(self, prefix=None, sample=None):
        """Prepares the keys: recalls with a margin then read 4 to 40 times fewer bytes, for the same bits. Build it
        again once keys have changed. prefix: directions in front (None: the library chooses; 0: none). Returns self."""
        lib, net = self._lib, self._net
        options = lib.hfy_index_options(sample=sample or 0)
        options.prefix = 0 if prefix is None else prefix or ctypes.c_size_t(-1).value
        size = lib.hfy_index_size(self.count, self.dim, options)
        if size >= 2 ** 62:
            raise ArgumentError(f"no index of {self.count} x {self.dim} keys with prefix {prefix} exists")
        room = np.empty(size, np.uint8)
        index = lib.hfy_index()
        net.index = None
        lib.hfy_index_build(net.keys, self.count, self.dim, net.key_stride, options, room, size, index)
        net.index, self._index_data = index, room
        return self

    def radius(self):
        """What is promised of each pattern (hfy_theory_separate): separation, rival, stationary, radius, radius_bound.
        Every query within `radius` of a pattern is answered by it in one step."""
        n = self.count
        arrays = {name: np.empty(n) for name in ("separation", "radius", "radius_bound")}
        arrays.update(rival=np.empty(n, np.uintp), stationary=np.empty(n, np.uint8))
        self._lib.hfy_theory_separate(self._net, _outputs(self._lib, "hfy_theory_separation", **arrays))
        arrays.update(rival=_size(arrays["rival"]), stationary=arrays["stationary"].astype(bool))
        return SimpleNamespace(**arrays)

    def sequence(self, cue, count=None, kind="bounded", **how):
        """Items recalled one after another, freely (bounded, penalised) or in order (sequential): hfy_recall_all."""
        q, _ = self._queries(cue)
        count, made = count or self.count, np.zeros(1, np.uintp)
        items = np.zeros(count, np.uintp)
        self._lib.hfy_recall_all(self._net, self._lib.hfy_recall(kind=kind, **how), q, count, items, made)
        return _size(items[:int(made[0])])

    @staticmethod
    def _of_store(tensors):
        """The settings in the 24 numbers of a store (store_numbers in examples/store.h)."""
        numbers, enums = tensors["net"].tolist(), library().declared.enums
        index, struct = tensors.pop("index"), tensors.pop("index.head")
        if len(index):
            tensors.update({"index.data": index, "index.struct": struct})

        def kind(enum, names, at):
            name = next((name for name, value in enums[enum].items() if value == numbers[at]), None)
            members = {member: value for member, value in zip(names, numbers[at + 1:]) if value}
            if "dof_minus" in members:
                members["dof_minus"] = int(members["dof_minus"])
            return {"kind": name[len(enum) + (-4 if enum.endswith("kind") else 1):].lower(), **members}

        separation = kind("hfy_sep_kind", ("k", "alpha", "gamma", "degree", "rho", "transition"), 2)
        post = kind("hfy_post_kind", ("beta", "radius", "eta", "eps", "power", "sigma", "theta", "dof_minus"), 9)
        return {"similarity": kind("hfy_sim", (), 0)["kind"], "beta": numbers[1] or None, "separation": separation,
                "post": post, "step": numbers[18] or None, "tol": numbers[19], "steps": max(1, int(numbers[20])),
                "null_score": numbers[22] if numbers[21] else None}

    def save(self, path):
        """All of it, the index too, as one safetensors file. What stands at path is replaced once all is written."""
        net, tensors = self._net, {"keys": self.keys}
        for name in ("values", "readout", "self_coupling", "bias"):
            if getattr(self, name) is not None:
                tensors[name] = getattr(self, name)
        if self._index_data is not None:
            index = self._lib.hfy_index.from_address(net.index)
            start = index.data - self._index_data.ctypes.data
            data = self._index_data[start:start + index.bytes]
            tensors["index.data"] = np.concatenate([data, np.zeros(-len(data) % 64, np.uint8)])
            tensors["index.struct"] = np.frombuffer(bytes(index), np.uint8)
        settings = {"similarity": self.similarity, "beta": net.beta or None, "step": net.step or None,
                    "steps": net.max_steps, "tol": net.tol, "null_score": net.null_score if net.null_pattern else None,
                    "separation": self.separation.described("separation", tensors),
                    "post": self.post.described("post", tensors)}
        _write(path, "memory", settings, tensors)

    @classmethod
    def load(cls, path, check=True):
        """A memory from a file of save(), or of examples/store.h and `hfy store`: these come with `ids` and `labels`,
        and their checksum is not looked at. Arrays are mapped, not read; check: the checksum (which reads all once)."""
        settings, tensors = _read(path, "memory", check)
        try:
            if settings is None:
                settings = cls._of_store(tensors)
            separation = Separation.restored(settings.pop("separation"), "separation", tensors)
            post = Post.restored(settings.pop("post"), "post", tensors)
            arrays = {name: tensors[name] for name in ("values", "readout", "self_coupling", "bias") if name in tensors}
            memory = cls(tensors["keys"], separation, post=post, dtype=tensors["keys"].dtype, **arrays, **settings)
            if "ids" in tensors:
                memory.ids = tensors["ids"]
                memory.labels = tensors["labels"].tobytes().decode(errors="replace").split("\0")[:-1]
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise FormatError(f"{path}: {error}") from None
        if "index.data" in tensors:
            lib, struct = memory._lib, tensors["index.struct"].tobytes()
            try:
                if len(struct) != ctypes.sizeof(lib.hfy_index):
                    raise ArgumentError("an index of another version")
                index, data = lib.hfy_index.from_buffer_copy(struct), tensors["index.data"]
                room = np.empty(len(data) + 64, np.uint8)
                start = -room.ctypes.data % 64
                room[start:start + len(data)] = data
                index.data = room[start:].ctypes.data
                if index.bytes > len(data):
                    raise ArgumentError("an index with too few bytes")
                lib.hfy_index_check(index, memory._net.keys, memory.count, memory.dim, memory._net.key_stride)
                memory._net.index, memory._index_data = index, room
            except ArgumentError:  # of another version or kind of machine
                memory.index()
        return memory


# --------------------------------------------------------------------------------------------------------------------
# memories of other kinds
# --------------------------------------------------------------------------------------------------------------------


def _signs(array, name):
    """+1 and -1 as rows of float32, from any numbers or from bools."""
    array = np.asarray(array)
    rows, single = _rows(np.where(array, 1, -1) if array.dtype == bool else array, np.dtype(np.float32), name)
    return rows, single


class KernelMemory:
    """A kernel memory of +1 and -1 (hfy_kernel): P rows of N bits, each answered with itself or its row of `targets`.
    kind: rbf, polynomial, linear; members: gamma, degree, offset, nearest, order, seed, max_steps, no_self as in hfy.h.
    Rows of +1 and -1 or of bools go in, int8 comes out."""

    def __init__(self, patterns, kind="rbf", *, targets=None, **members):
        self._lib = lib = library(np.float32)
        self.settings = dict(members, kind=kind)
        x, _ = _signs(patterns, "patterns")
        self.count, self.dim = x.shape
        self._packed = self._pack(x)
        self._kernel = lib.hfy_kernel(dim=self.dim, count=self.count, patterns=self._packed, **self.settings)
        self._targets, self.target_dim = None, self.dim
        if targets is not None:
            t, _ = _signs(targets, "targets")
            if len(t) != self.count:
                raise ArgumentError(f"targets: {len(t)} rows; there are {self.count} patterns")
            self._targets, self.target_dim = self._pack(t), t.shape[1]
            self._kernel.targets, self._kernel.target_dim = self._targets, self.target_dim
        self.alpha = None

    def _pack(self, x):
        packed = np.empty((len(x), self._lib.hfy_kernel_words(x.shape[1])), np.uint64)
        self._lib.hfy_kernel_pack(x, *x.shape, packed)
        return packed

    def _unpack(self, packed, dim):
        x = np.empty((len(packed), dim), np.float32)
        self._lib.hfy_kernel_unpack(packed, len(x), dim, x)
        return x.astype(np.int8)

    def _states(self, states):
        x, single = _signs(states, "states")
        if x.shape[1] != self.dim:
            raise ArgumentError(f"states: the shape is {x.shape}; rows should have {self.dim} bits")
        return self._pack(x), single

    @property
    def patterns(self):
        return self._unpack(self._packed, self.dim)

    @property
    def targets(self):
        return self.patterns if self._targets is None else self._unpack(self._targets, self.target_dim)

    def train(self, trainer="exact", *, progress=None, warm=False, **members):
        """Fits alpha (P x target bits) and returns what came of it (hfy_kernel_result). trainer: exact, paper, ridge,
        projection, raw; members: lambda_, tol, max_iterations, eta, unpenalised. progress(iteration, residual) may
        return True to stop. warm: from the alpha there is."""
        lib, failed = self._lib, []
        members = {name.rstrip("_"): value for name, value in members.items()}
        how = lib.hfy_kernel_training(trainer=trainer, **members)
        if warm and self.alpha is not None:
            how.start = self.alpha
        if progress:
            def call(_, at):
                try:
                    now = lib.hfy_kernel_progress.from_address(at)
                    return int(bool(progress(now.iteration, now.residual)))
                except BaseException as error:  # it cannot pass through C
                    failed.append(error)
                    return 1

            how.progress = lib.callback(how._types["progress"], call)
        alpha, result = np.empty((self.count, self.target_dim)), lib.hfy_kernel_result()
        try:
            lib.hfy_kernel_train(self._kernel, how, alpha, result)
        except ConvergenceError:
            self._set(alpha)  # usable, as hfy.h says
            raise
        if failed:
            raise failed[0]
        self._set(alpha)
        return _plain(result)

    def _set(self, alpha):
        self.alpha = self._kernel.alpha = alpha
        if self.settings["kind"] == "rbf":
            bound = np.empty(self.target_dim)
            self._lib.hfy_kernel_bound(self._kernel, bound)
            self._kernel.bound = bound

    def recall(self, states, report=False):
        """The states at which recall ends, int8; with report: an Answer with out, steps, period, flips."""
        packed, single = self._states(states)
        out = np.empty((len(packed), self._lib.hfy_kernel_words(self.target_dim)), np.uint64)
        arrays = {name: np.zeros(len(packed), np.uintp) for name in ("steps", "period", "flips")}
        if len(packed):
            self._lib.hfy_kernel_recall(self._kernel, packed, len(packed), out,
                                        _outputs(self._lib, "hfy_kernel_report", **arrays) if report else None)
        out = self._unpack(out, self.target_dim) if len(packed) else np.empty((0, self.target_dim), np.int8)
        if not report:
            return out[0] if single else out
        found = dict(out=out, **{name: _size(array) for name, array in arrays.items()})
        return Answer(**{name: a[0] for name, a in found.items()} if single else found)

    def potentials(self, states):
        """(h, shift): potentials are h e^shift (hfy_kernel_potentials)."""
        packed, single = self._states(states)
        h, shift = np.empty((len(packed), self.target_dim)), np.empty(len(packed))
        self._lib.hfy_kernel_potentials(self._kernel, packed, len(packed), h, shift)
        return (h[0], shift[0]) if single else (h, shift)

    def stored(self):
        """(share of patterns that a step leaves alone, least margin)."""
        share, margin = np.empty(1), np.empty(1)
        self._lib.hfy_kernel_stored(self._kernel, share, margin)
        return float(share[0]), float(margin[0])

    def basins(self, flips, patterns=None, seed=0):
        """Share of patterns that come back from so many flipped bits, for each of `flips` (hfy_kernel_basins)."""
        flips = np.require(np.atleast_1d(flips), np.uintp, "CA")
        recovered = np.empty(len(flips))
        rng = self._lib.hfy_rng_seed(seed)
        self._lib.hfy_kernel_basins(self._kernel, patterns or self.count, flips, len(flips), rng, recovered, None)
        return recovered

    def explore(self, n, seed=0):
        """What n random starts meet (hfy_kernel_census)."""
        census = self._lib.hfy_kernel_census()
        self._lib.hfy_kernel_explore(self._kernel, n, self._lib.hfy_rng_seed(seed), census)
        return _plain(census)

    def spectra(self):
        """hfy_kernel_spectrum."""
        spectrum = self._lib.hfy_kernel_spectrum()
        self._lib.hfy_kernel_spectra(self._kernel, None, spectrum, None, None, None, None)
        return _plain(spectrum)

    def forces(self, x):
        """(direct, indirect, geometry of each point) of the landscape at points x (hfy_kernel_forces)."""
        x, _ = _rows(x, np.dtype(np.float64), "x")
        direct, indirect = np.empty(x.shape), np.empty(x.shape)
        geometry = (self._lib.hfy_kernel_geometry * len(x))()
        self._lib.hfy_kernel_forces(self._kernel, x, len(x), direct, indirect, geometry)
        return direct, indirect, [_plain(g) for g in geometry]

    def save(self, path):
        tensors = {"patterns": self._packed}
        if self._targets is not None:
            tensors["targets"] = self._targets
        if self.alpha is not None:
            tensors["alpha"] = self.alpha
        _write(path, "kernel", {"dim": self.dim, "target_dim": self.target_dim, "settings": self.settings}, tensors)

    @classmethod
    def load(cls, path, check=True):
        settings, tensors = _read(path, "kernel", check)
        try:
            lib = library(np.float32)
            rows = {}
            for name, dim in (("patterns", settings["dim"]), ("targets", settings["target_dim"])):
                if name in tensors:
                    if tensors[name].ndim != 2 or tensors[name].shape[1] != lib.hfy_kernel_words(dim):
                        raise FormatError(f"{path}: {name} are not {dim} bits")
                    rows[name] = np.empty((len(tensors[name]), dim), np.float32)
                    lib.hfy_kernel_unpack(np.require(tensors[name], np.uint64, "CA"), *rows[name].shape, rows[name])
            memory = cls(rows.pop("patterns"), **settings["settings"], **rows)
            if "alpha" in tensors:
                memory._set(Memory._array(tensors["alpha"], np.float64, (memory.count, memory.target_dim), "alpha"))
        except (KeyError, TypeError, AttributeError) as error:
            raise FormatError(f"{path}: {error}") from None
        return memory


class RateMemory:
    """A graded attractor network (hfy_rate): rows of rates >= 0, all of which its weights make fixed points.
    theta: the threshold; None: the one at which the patterns are most stable (hfy_rate_threshold, which takes a while).
    Rows with zeros are sparse (sigma 0; margin: how far silent units stay below their threshold)."""

    def __init__(self, patterns, power, sigma=0.0, theta=None, self_coupling=False, margin=0.05):
        self._lib = lib = library()
        self.patterns, _ = _rows(patterns, np.dtype(np.float64), "patterns")
        self.count, self.dim = self.patterns.shape
        self._rate = lib.hfy_rate(power=power, sigma=sigma, theta=theta or 0.0)
        shape, self.sparse = (self.patterns, self.count, self.dim), bool((self.patterns == 0).any())
        self._settings = dict(power=power, sigma=sigma, self_coupling=bool(self_coupling), margin=margin)
        if theta is None:
            best, objective = np.empty(1), np.empty(1)
            search = lib.hfy_rate_search(margin=margin or -1.0, self=int(self_coupling))
            lib.hfy_rate_threshold(self._rate, *shape, search, best, objective)
            self._rate.theta = best[0]
        self.weights = np.empty((self.dim, self.dim))
        if self.sparse:
            lib.hfy_rate_weights_sparse(self._rate, *shape, margin, self.weights, None)
        else:
            lib.hfy_rate_weights(self._rate, *shape, int(self_coupling), self.weights)

    @property
    def theta(self):
        return self._rate.theta

    def stability(self):
        """The largest real part of the Jacobian at each pattern: stable below 0 (hfy_rate_stability)."""
        abscissa = np.empty(self.count)
        self._lib.hfy_rate_stability(self._rate, self.weights, self.patterns, self.count, self.dim, abscissa, None)
        return abscissa

    def spectrum(self, pattern):
        """(eigenvalues of the Jacobian at a pattern, hfy_rate_modes)."""
        re, im, modes = np.empty(self.dim), np.empty(self.dim), self._lib.hfy_rate_modes()
        self._lib.hfy_rate_spectrum(self._rate, self.weights, self.patterns[pattern], self.dim, re, im, modes)
        return re + 1j * im, _plain(modes)

    def recall(self, starts, report=False, **options):
        """Where states end (hfy_rate_simulate). options: duration, tol, dt, rtol, voltage, max_steps. With report an
        Answer: out, ok, status, time, speed, steps; without, a state that does not settle raises."""
        lib, (x, single) = self._lib, _rows(starts, np.dtype(np.float64), "starts")
        if x.shape[1] != self.dim:
            raise ArgumentError(f"starts: the shape is {x.shape}; rows should have {self.dim} rates")
        n, out = len(x), np.empty(x.shape)
        arrays = dict(status=np.full(n, -1, np.intc), time=np.empty(n), speed=np.empty(n), steps=np.zeros(n, np.uintp))
        try:
            if n:
                lib.hfy_rate_simulate(self._rate, self.weights, self.dim, x, n, lib.hfy_rate_options(**options), out,
                                      _outputs(lib, "hfy_rate_outcome", **arrays))
        except Error:
            if not report or (arrays["status"] < 0).any():
                raise
        if not report:
            return out[0] if single else out
        names = np.array([status[4:] for status in lib.declared.statuses])
        arrays.update(out=out, ok=arrays["status"] == 0, status=names[arrays["status"]], steps=_size(arrays["steps"]))
        return Answer(**{name: a[0] for name, a in arrays.items()} if single else arrays)

    def perturb(self, noise, missing=0.0, seed=0):
        """The patterns, perturbed (hfy_rate_perturb)."""
        out = np.empty(self.patterns.shape)
        rng = self._lib.hfy_rng_seed(seed)
        self._lib.hfy_rate_perturb(rng, self.patterns, self.count, self.dim, noise, missing, out)
        return out

    def basin(self, pattern, seed=0, **options):
        """The noise at which half of the starts come back (hfy_rate_basin): trials, most, success, bisections."""
        lib, noise = self._lib, np.empty(1)
        lib.hfy_rate_basin(self._rate, self.weights, self.patterns[pattern], self.dim, lib.hfy_rng_seed(seed),
                           lib.hfy_rate_basin_options(**options), noise)
        return float(noise[0])

    def save(self, path):
        tensors = {"patterns": self.patterns, "weights": self.weights}
        _write(path, "rate", dict(self._settings, theta=self.theta), tensors)

    @classmethod
    def load(cls, path, check=True):
        settings, tensors = _read(path, "rate", check)
        try:
            memory = cls.__new__(cls)
            memory._lib = library()
            memory.patterns = np.require(tensors["patterns"], np.float64, "CA")
            memory.count, memory.dim = memory.patterns.shape
            memory.weights = Memory._array(tensors["weights"], np.float64, (memory.dim, memory.dim), "weights")
            memory.sparse = bool((memory.patterns == 0).any())
            unit = {name: settings[name] for name in ("theta", "power", "sigma")}
            memory._rate = memory._lib.hfy_rate(**unit)
            del settings["theta"]
            memory._settings = settings
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise FormatError(f"{path}: {error}") from None
        return memory


# --------------------------------------------------------------------------------------------------------------------
# layers: parameters in one flat array, forward and backward on bags of rows
# --------------------------------------------------------------------------------------------------------------------


class _Bags:
    """Rows of bags as hfy_layer_input has them: one bag (rows x width), equal ones (bags x rows x width), or a list."""

    def __init__(self, given, dtype, name):
        self.list = isinstance(given, (list, tuple))
        arrays = [np.asarray(a, dtype) for a in given] if self.list else np.asarray(given, dtype)
        if self.list:
            if not arrays or any(a.ndim != 2 or a.shape[1] != arrays[0].shape[1] for a in arrays):
                raise ArgumentError(f"{name}: a list should hold arrays of rows x width, of one width")
            self.counts, flat = np.array([len(a) for a in arrays], np.uintp), np.concatenate(arrays)
            self.shape, self.bags = (None,), len(arrays)
        else:
            if arrays.ndim not in (2, 3):
                raise ArgumentError(f"{name}: the shape is {arrays.shape}; it should be (bags x) rows x width")
            self.shape, self.bags = arrays.shape[:-1], 1 if arrays.ndim == 2 else len(arrays)
            self.counts, flat = np.full(self.bags, arrays.shape[-2], np.uintp), arrays.reshape(-1, arrays.shape[-1])
        self.rows = np.require(flat, dtype, "CA")

    def like(self, rows):
        """Rows, one of each of these, in the shape that was given."""
        if not self.list:
            return rows.reshape(self.shape + rows.shape[1:])
        return np.split(rows, np.cumsum(self.counts.astype(int))[:-1])


class _Trained:
    """Named parameters in one flat array `params`, with start values drawn from `seed`."""
    _params = None

    def _setup(self, struct, dtype, seed):
        self.dtype = np.dtype(dtype)
        self._lib, self._struct = library(self.dtype), struct
        lib, entries, end = self._lib, np.zeros(1, np.uintp), np.zeros(1, np.uintp)
        describe = getattr(lib, self._params)
        describe(struct, None, 0, None, 0, entries, end)
        self.table = (lib.hfy_param * int(entries[0]))()
        describe(struct, None, 0, self.table, len(self.table), entries, end)
        self.params = np.zeros(int(end[0]), self.dtype)
        lib.hfy_param_init(self.table, len(self.table), lib.hfy_rng_seed(seed), self.params)

    def named(self, flat=None):
        """{name: view of it}, of params or of a gradient of the same length."""
        flat = self.params if flat is None else flat
        return {p.name.decode(): flat[p.offset:p.offset + p.count].reshape(list(p.shape)[:p.rank]) for p in self.table}

    def save(self, path):
        """The parameters as safetensors, under PyTorch's names."""
        self._lib.hfy_file_safetensors_write(path, self.table, len(self.table), self.params)

    def load(self, path):
        self._lib.hfy_file_safetensors_read(path, self.table, len(self.table), self.params)
        return self


class _Tape(SimpleNamespace):
    """What a forward pass leaves for the backward one."""


class Layer(_Trained):
    """A Hopfield layer (hfy_layer): the public Hopfield(input_size=width), and what its members make of it: queries=1
    for pooling, memories=n for a lookup, heads, extra_steps, beta, dropout, ... flags: such as "no_bias connected"."""
    _params = "hfy_layer_params"

    def __init__(self, width, separation="softmax", post="none", *, flags="", dtype=np.float32, seed=0, **members):
        self._setup(self._made(library(dtype), width, separation, post, flags, members), dtype, seed)

    @staticmethod
    def _made(lib, width, separation, post, flags, members):
        known = {n: bit for n, bit in lib.declared.constants.items()
                 if n.startswith("HFY_LAYER_") and n not in lib.declared.enums["hfy_layer_norm"]}
        layer = lib.hfy_layer(width=width, flags=sum({_choice(known, flag, "flags") for flag in flags.split()}),
                              sep=Separation.of(separation).struct(lib), post=Post.of(post).struct(lib))
        for name, value in members.items():
            if name == "betas":
                value = np.require(value, np.float64, "CA")
            setattr(layer, name, value)
        full = lib.hfy_layer()
        lib.hfy_layer_check(layer, full)
        layer.out_width, layer.heads = full.out_width, full.heads
        return layer

    def _input(self, stored, state, projected, mask, padding, causal, training, seed):
        lib, struct = self._lib, getattr(self, "_layer", self._struct)
        given = dict(stored=stored, state=state, projected=projected)
        given = {name: _Bags(array, self.dtype, name) for name, array in given.items() if array is not None}
        lead = given.get("stored") or given.get("state")
        if lead is None:
            raise ArgumentError("neither stored nor state rows are given")
        for name, bags in given.items():
            want = {"stored": struct.stored_width, "projected": struct.projected_width}.get(name) or struct.width
            if bags.bags != lead.bags or bags.rows.shape[1] != want:
                raise ArgumentError(f"{name}: {bags.bags} bags of rows of {bags.rows.shape[1]}; "
                                    f"it should be {lead.bags} of {want}")
            if name == "projected" and (bags.counts != lead.counts).any():
                raise ArgumentError("projected: each bag should have as many rows as it has stored ones")
        source = lib.hfy_layer_input(bags=lead.bags, causal=int(causal), training=int(training), seed=seed)
        for name, bags in given.items():
            setattr(source, name, bags.rows)
            if name != "projected":
                setattr(source, name + "_rows", bags.counts)
        states = given.get("state", lead)
        if mask is not None:
            stored_rows = np.full(lead.bags, struct.memories) if struct.memories else lead.counts.astype(int)
            state_rows = np.full(lead.bags, struct.queries) if struct.queries else states.counts.astype(int)
            need = int((stored_rows * state_rows).sum())
            mask = np.require(mask, self.dtype, "CA")
            if mask.size not in (need, need * struct.heads):
                raise ArgumentError(f"mask: {mask.size} numbers; it should be {need}, or {struct.heads} times that")
            source.mask, source.mask_heads = mask, mask.size // need
        if padding is not None:
            padding = np.require(padding, np.uint8, "CA")
            if padding.size != len(lead.rows):
                raise ArgumentError(f"padding: {padding.size} marks for {len(lead.rows)} stored rows")
            source.padding = padding
        return source, given, states, mask

    def forward(self, stored=None, state=None, projected=None, *, mask=None, padding=None, causal=False,
                training=False, seed=0):
        """(out, tape). Rows of bags: rows x width, bags x rows x width, or a list of arrays. out: one row per state
        row, or `queries` rows per bag."""
        lib, struct = self._lib, self._struct
        source, given, states, mask = self._input(stored, state, projected, mask, padding, causal, training, seed)
        reals = np.zeros(1, np.uintp)
        lib.hfy_layer_tape(struct, source, reals)
        tape = np.empty(int(reals[0]), self.dtype)
        source.tape_reals = len(tape)
        rows = struct.queries * source.bags or len(states.rows)
        out = np.empty((rows, struct.out_width), self.dtype)
        lib.hfy_layer_forward(struct, self.params, source, out, tape, None)
        kept = _Tape(source=source, given=given, states=states, mask=mask, tape=tape, shape=out.shape)
        return self._shaped(out, states, source.bags), kept

    def _shaped(self, out, states, bags):
        if self._struct.queries:
            one = states.shape != (None,) and len(states.shape) == 1
            return out if one else out.reshape(bags, self._struct.queries, -1)
        return states.like(out)

    def __call__(self, stored=None, state=None, projected=None, **options):
        """forward() without what training needs."""
        return self.forward(stored, state, projected, **options)[0]

    def _cotangent(self, dout, shape):
        dout = np.concatenate(dout) if isinstance(dout, (list, tuple)) else np.asarray(dout)
        return np.require(dout.reshape(shape), self.dtype, "CA")

    def _zeros(self, kept):
        arrays = {name: np.zeros_like(bags.rows) for name, bags in kept.given.items()}
        if kept.mask is not None:
            arrays["mask"] = np.zeros_like(kept.mask)
        return dict(arrays, params=np.zeros_like(self.params))

    def _gradients(self, kept, arrays):
        found = {"params": arrays["params"]}
        for name, bags in kept.given.items():
            if name in arrays:
                found[name] = bags.like(arrays[name])
        if "mask" in arrays:
            found["mask"] = arrays["mask"]
        return found

    def backward(self, kept, dout):
        """Gradients at dout, of the shape of out: params (flat; see named), and stored, state, projected, mask."""
        lib, arrays = self._lib, self._zeros(kept)
        if self._struct.memories:
            arrays.pop("stored", None)
        if self._struct.queries:
            arrays.pop("state", None)
        lib.hfy_layer_backward(self._struct, self.params, kept.source, kept.tape, self._cotangent(dout, kept.shape),
                               lib.hfy_layer_grad(**arrays))
        return self._gradients(kept, arrays)


class Block(Layer):
    """A transformer's block (hfy_block): the public HopfieldEncoderLayer, with cross=True HopfieldDecoderLayer.
    members: of the layer(s); inner, kind ("relu", "gelu", ...), dropout of the block."""
    _params = "hfy_block_params"

    def __init__(self, width, separation="softmax", post="none", *, cross=False, inner=0, kind="relu", dropout=0.0,
                 flags="", dtype=np.float32, seed=0, **members):
        lib = library(dtype)
        self._layer = self._made(lib, width, separation, post, flags, members)
        self.cross = cross
        block = lib.hfy_block(self=self._layer, inner=inner, kind=kind, dropout=dropout)
        if cross:
            block.cross = self._layer
        self._setup(block, dtype, seed)

    def forward(self, stored, memory=None, *, mask=None, padding=None, causal=False, training=False, seed=0):
        """(out, tape), out of the shape of stored. memory: what a decoder's cross association stores."""
        lib = self._lib
        source, given, states, mask = self._input(stored, None, None, mask, padding, causal, training, seed)
        other = None
        if memory is not None:
            other, more, _, _ = self._input(memory, None, None, None, None, False, training, seed)
            given["memory"] = more["stored"]
        reals = np.zeros(1, np.uintp)
        lib.hfy_block_tape(self._struct, source, other, reals)
        tape, out = np.empty(int(reals[0]), self.dtype), np.empty((len(states.rows), self._layer.out_width), self.dtype)
        source.tape_reals = len(tape)
        lib.hfy_block_forward(self._struct, self.params, source, other, out, tape, None)
        return states.like(out), _Tape(source=source, other=other, given=given, mask=mask, tape=tape, shape=out.shape)

    def __call__(self, stored, memory=None, **options):
        return self.forward(stored, memory, **options)[0]

    def backward(self, kept, dout):
        """As Layer.backward, once for a forward pass; memory: the gradient by a decoder's memory."""
        lib, arrays = self._lib, self._zeros(kept)
        if kept.tape is None:
            raise ArgumentError("backward: this pass has been used; it works on its tape")
        tape, kept.tape = kept.tape, None
        grad = lib.hfy_layer_grad(**{"projected" if name == "memory" else name: a for name, a in arrays.items()})
        dout = self._cotangent(dout, kept.shape)
        lib.hfy_block_backward(self._struct, self.params, kept.source, kept.other, tape, dout, grad)
        return self._gradients(kept, arrays)


class Dense(_Trained):
    """y = act(x W^T + b) (hfy_dense). kind: linear, relu, selu, gelu, tanh."""
    _params = "hfy_dense_params"

    def __init__(self, width, out, kind="linear", *, no_bias=False, dtype=np.float32, seed=0):
        self._setup(library(dtype).hfy_dense(**{"in": width}, out=out, kind=kind, no_bias=int(no_bias)), dtype, seed)

    def _x(self, x):
        x = np.require(x, self.dtype, "CA")
        if x.ndim < 1 or x.shape[-1] != getattr(self._struct, "in"):
            raise ArgumentError(f"x: the shape is {x.shape}; rows should have {getattr(self._struct, 'in')} numbers")
        return x

    def forward(self, x):
        """(y, tape), for x of any shape ... x width."""
        x = self._x(x)
        y = np.empty(x.shape[:-1] + (self._struct.out,), self.dtype)
        self._lib.hfy_dense_forward(self._struct, self.params, x, x.size // x.shape[-1], y)
        return y, _Tape(x=x, y=y)

    def __call__(self, x):
        return self.forward(x)[0]

    def backward(self, kept, dy):
        """{"x": ..., "params": flat}."""
        dy = np.require(dy, self.dtype, "CA")
        if dy.shape != kept.y.shape:
            raise ArgumentError(f"dy: the shape is {dy.shape}; it should be {kept.y.shape}")
        dx, params = np.zeros_like(kept.x), np.zeros_like(self.params)
        to = (ctypes.c_void_p * 2)(dx.ctypes.data, params.ctypes.data)
        self._lib.hfy_dense_backward(self._struct, self.params, kept.x, kept.y, dy, dy.size // dy.shape[-1], to)
        return {"x": dx, "params": params}


class Optimiser:
    """AdamW, or gradient descent with sgd=1 (hfy_optimiser): rate, beta1, beta2, eps, decay, clip. One per model."""

    def __init__(self, model, **members):
        self.model, lib = model, model._lib
        self._how = lib.hfy_optimiser(**members)
        self._moments = np.zeros(2 * len(model.params), model.dtype)

    def step(self, gradient):
        """Moves model.params; gradient: the flat one. Returns its norm."""
        model, norm = self.model, np.empty(1)
        model._lib.hfy_optimiser_step(self._how, model.table, len(model.table), model.params,
                                      np.require(gradient, model.dtype, "CA"), self._moments, norm)
        return float(norm[0])
