// eigen.cpp: Eigen's own matrix products behind the arguments of CBLAS (row-major; 112 = transposed).
#include <Eigen/Dense>
using namespace Eigen;

template <class T> using Matrices = Map<const Matrix<T, Dynamic, Dynamic, RowMajor>, 0, OuterStride<>>;
template <class T> using Result = Map<Matrix<T, Dynamic, Dynamic, RowMajor>, 0, OuterStride<>>;
template <class T> using Line = Map<const Matrix<T, Dynamic, 1>>;

template <class T>
static void gemm(int ta, int tb, int m, int n, int k, const T *a, int lda, const T *b, int ldb, T *c, int ldc) {
  Matrices<T> A(a, ta == 112 ? k : m, ta == 112 ? m : k, OuterStride<>(lda));
  Matrices<T> B(b, tb == 112 ? n : k, tb == 112 ? k : n, OuterStride<>(ldb));
  Result<T> C(c, m, n, OuterStride<>(ldc));
  if (ta == 112 && tb == 112)
    C.noalias() = A.transpose() * B.transpose();
  else if (ta == 112)
    C.noalias() = A.transpose() * B;
  else if (tb == 112)
    C.noalias() = A * B.transpose();
  else
    C.noalias() = A * B;
}

template <class T> static void gemv(int ta, int m, int n, const T *a, int lda, const T *x, T *y) {
  Matrices<T> A(a, m, n, OuterStride<>(lda));
  Line<T> X(x, ta == 112 ? m : n);
  Map<Matrix<T, Dynamic, 1>> Y(y, ta == 112 ? n : m);
  if (ta == 112)
    Y.noalias() = A.transpose() * X;
  else
    Y.noalias() = A * X;
}

extern "C" {
void eigen_threads(int n) { setNbThreads(n); }
const char *eigen_simd(void) { return SimdInstructionSetsInUse(); }
void eigen_sgemm(int, int ta, int tb, int m, int n, int k, float, const float *a, int lda, const float *b, int ldb, float,
                 float *c, int ldc) {
  gemm(ta, tb, m, n, k, a, lda, b, ldb, c, ldc);
}
void eigen_dgemm(int, int ta, int tb, int m, int n, int k, double, const double *a, int lda, const double *b, int ldb, double,
                 double *c, int ldc) {
  gemm(ta, tb, m, n, k, a, lda, b, ldb, c, ldc);
}
void eigen_sgemv(int, int ta, int m, int n, float, const float *a, int lda, const float *x, int, float, float *y, int) {
  gemv(ta, m, n, a, lda, x, y);
}
}
