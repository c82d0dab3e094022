/* tables.h: what tests of kernels share: hfy.h with its private functions, a table of the kernels of every instruction
   set that this machine has, memory that ends where a page does. It comes first. */
#ifndef TABLES_H
#define TABLES_H

#if defined(__unix__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif
#define HFY_STATIC /* what no test reaches is not compiled */
#define HFY_IMPLEMENTATION
#include "../hfy.h"

#include "check.h"
#if defined(__unix__)
#include <sys/mman.h>
#endif

static const hfy_simd_ *table[8];
static size_t tables;
static hfy_rng dice;

#define EACH_TABLE(simd, i) for (i = 0; i < tables && ((simd) = table[i]) != NULL; i++)

static void find_tables(void) {
  int isa;
  for (isa = HFY_ISA_SCALAR; isa <= HFY_ISA_NEON; isa++)
    if (hfy_simd_of_((hfy_isa)isa)) table[tables++] = hfy_simd_of_((hfy_isa)isa);
}

/* Memory whose last byte is the last of a readable page, so that a step too far is a crash. Never freed. */
static void *at_the_edge(size_t bytes) {
#if defined(__unix__)
  size_t page = 65536, room = (bytes + page) / page * page;
  char *p = (char *)mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p != (char *)MAP_FAILED && !mprotect(p + room, page, PROT_NONE)) return p + room - bytes;
#endif
  return malloc(bytes + 1);
}

#endif
