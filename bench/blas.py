"""blas.py: the shared libraries behind ctypes: hfy.h (four builds, a fifth with HFY_CBLAS), OpenBLAS, BLIS, Eigen, and the probe."""
import ctypes, ctypes.util, glob, os
from ctypes import c_char_p, c_double, c_float, c_int, c_long, c_size_t, c_void_p

BUILD = os.path.abspath(os.environ.get("BENCH_BUILD", "build"))
_APART = os.RTLD_LOCAL | os.RTLD_NOW | getattr(os, "RTLD_DEEPBIND", 0)  # its own cblas_sgemm, whoever else is loaded


def _load(path):
    try: return ctypes.CDLL(path, mode=_APART)
    except OSError: return None


def _hfy(path):
    lib = ctypes.CDLL(path)
    for name, result, arguments in (
            ("bench_isa", c_char_p, [c_int]), ("bench_version", c_char_p, []), ("bench_threads", None, [c_int]),
            ("bench_sep_new", c_void_p, [c_char_p, c_double, c_int]), ("bench_sep_free", None, [c_void_p]),
            ("bench_sequence", c_int, [c_long, c_size_t, c_size_t] + [c_void_p] * 6),
            ("bench_sep_apply", c_int, [c_long, c_void_p, c_void_p, c_size_t, c_size_t, c_void_p]),
            ("bench_sep_bound", None, [c_void_p, c_void_p]), ("bench_sep_message", c_char_p, [c_void_p]),
            ("bench_net_new", c_void_p, [c_void_p, c_size_t, c_size_t, c_double, c_char_p, c_double, c_size_t, c_int]),
            ("bench_retrieve", c_int, [c_long, c_void_p, c_void_p, c_size_t, c_void_p]),
            ("bench_retrieve_report", c_int, [c_void_p, c_void_p, c_size_t, c_void_p, c_void_p, c_void_p]),
            ("bench_attention", c_int, [c_long, c_char_p, c_int, c_size_t, c_size_t, c_size_t] + [c_void_p] * 4 + [c_int]),
            ("bench_net_peak", c_size_t, [c_void_p]), ("bench_net_message", c_char_p, [c_void_p]),
            ("bench_net_prepare", c_size_t, [c_void_p, c_size_t]), ("bench_net_prefix", c_size_t, [c_void_p]),
            ("bench_guess", c_int, [c_void_p, c_void_p, c_size_t, c_void_p]), ("bench_net_free", None, [c_void_p]),
            ("bench_layer_new", c_void_p, [c_size_t] * 6 + [c_int] + [c_size_t] * 2),
            ("bench_layer_param", c_void_p, [c_void_p]), ("bench_layer_gradient", c_void_p, [c_void_p, c_int]),
            ("bench_layer_tape", c_size_t, [c_void_p]), ("bench_layer_message", c_char_p, [c_void_p]),
            ("bench_layer_run", c_int, [c_long] + [c_void_p] * 4),
            ("bench_scores", None, [c_int, c_void_p, c_size_t, c_size_t, c_void_p, c_size_t, c_void_p, c_int]),
            ("bench_combine", None, [c_int, c_void_p, c_size_t, c_void_p, c_size_t, c_size_t, c_void_p, c_int])):
        f = getattr(lib, name)
        f.restype, f.argtypes = result, arguments
    return lib


hfy = _hfy(BUILD + "/libhfy.so")            # float, one thread
hfy_omp = _hfy(BUILD + "/libhfy_omp.so")    # float, OpenMP
hfy_blas = _hfy(BUILD + "/libhfy_blas.so") if os.path.exists(BUILD + "/libhfy_blas.so") else None  # float, one thread, HFY_CBLAS
hfyd = _hfy(BUILD + "/libhfyd.so")          # double
hfyd_omp = _hfy(BUILD + "/libhfyd_omp.so")

probe = ctypes.CDLL(BUILD + "/libprobe.so")
probe.probe_flops.restype, probe.probe_flops.argtypes = c_double, [c_long, c_int, c_int]
probe.probe_read.restype, probe.probe_read.argtypes = None, [c_void_p, c_size_t, c_int, c_int]
for _l, _real in (("s", c_float), ("d", c_double)):
    getattr(probe, "loop_%sgemm" % _l).argtypes = [c_long] + [c_void_p] + [c_int] * 5 + [c_void_p, c_int] * 3
    getattr(probe, "loop_%sgemv" % _l).argtypes = [c_long] + [c_void_p] + [c_int] * 3 + [c_void_p, c_int, c_void_p, c_void_p]

openblas = ctypes.CDLL("libopenblas.so.0") if _load("libopenblas.so.0") else None  # the very library that numpy uses
blis = None
for _path in glob.glob("/usr/lib/*/blis-*/libblis.so.4") + ["libblis.so.4"]:
    blis = blis or _load(_path)
eigen = _load(BUILD + "/libeigen.so")
if blis: blis.bli_thread_set_num_threads.argtypes = [c_long]


def set_threads(n):
    for lib in (hfy, hfy_omp, hfyd, hfyd_omp): lib.bench_threads(n)
    if openblas: openblas.openblas_set_num_threads(n)
    if blis: blis.bli_thread_set_num_threads(n)
    if eigen: eigen.eigen_threads(n)


def library(threads, double=False):
    """The build of hfy.h for so many threads."""
    return (hfyd if threads == 1 else hfyd_omp) if double else (hfy if threads == 1 else hfy_omp)


def describe():
    """One line a library: version and the kernels it chose."""
    lines = ["hfy.h %s: %s" % (hfy.bench_version().decode(), hfy.bench_isa(0).decode())]
    if openblas:
        openblas.openblas_get_corename.restype = openblas.openblas_get_config.restype = c_char_p
        lines.append("%s: %s kernels" % (openblas.openblas_get_config().decode().strip(), openblas.openblas_get_corename().decode()))
    if blis:
        blis.bli_arch_string.restype = blis.bli_info_get_version_str.restype = c_char_p
        lines.append("BLIS %s: %s kernels" % (blis.bli_info_get_version_str().decode(), blis.bli_arch_string(blis.bli_arch_query_id()).decode()))
    if eigen:
        eigen.eigen_simd.restype = c_char_p
        lines.append("Eigen: %s" % eigen.eigen_simd().decode())
    return lines
