/* msvc.h: as much of Microsoft's headers as hfy.h asks for, so that clang can read it as clang-cl does and, with __clang__
   undefined, nearly as cl does. matrix.sh copies it to math.h, stdlib.h and the others that clang has not. */
#ifndef MSVC_H
#define MSVC_H
#include <stddef.h>
#define INFINITY ((float)(1e+300 * 1e+300))
#define HUGE_VAL ((double)INFINITY)
#define NAN ((float)(INFINITY * 0.0F))
double acos(double), asin(double), ceil(double), cos(double), erfc(double), exp(double), expm1(double), fabs(double),
  floor(double), fma(double, double, double), frexp(double, int *), hypot(double, double), ldexp(double, int),
  lgamma(double), log(double), log10(double), log1p(double), pow(double, double), sin(double), sqrt(double),
  tanh(double);
float fmaf(float, float, float);
void *malloc(size_t);
void free(void *);
void *memchr(const void *, int, size_t), *memcpy(void *, const void *, size_t), *memmove(void *, const void *, size_t),
  *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t), strcmp(const char *, const char *),
  strncmp(const char *, const char *, size_t);
size_t strlen(const char *);
char *strchr(const char *, int);
typedef struct _iobuf FILE;
enum { SEEK_SET, SEEK_CUR, SEEK_END };
FILE *fopen(const char *, const char *);
int fclose(FILE *), ferror(FILE *), fflush(FILE *), fseek(FILE *, long, int), remove(const char *);
int rename(const char *, const char *);
void clearerr(FILE *);
long ftell(FILE *);
size_t fread(void *, size_t, size_t, FILE *), fwrite(const void *, size_t, size_t, FILE *);
#endif
#if defined(__IMMINTRIN_H) && !defined(__clang__) /* as intrin.h, which hfy.h reads for cl alone */
#include <smmintrin.h>
#include <avxintrin.h>
#include <avx2intrin.h>
#include <avx512fintrin.h>
#include <avx512bwintrin.h>
#include <avx512dqintrin.h>
#include <avx512vlintrin.h>
#include <avx512vlbwintrin.h>
#include <avx512vldqintrin.h>
#include <fmaintrin.h>
void __cpuid(int[4], int), __cpuidex(int[4], int, int);
unsigned long long _xgetbv(unsigned);
#endif
