/* What the clean driver's files share. */
#include "kernel.h"

#define TAG 'naeC' /* Cean */

/* Puts a function into a section that may be paged out. */
#define PAGED_CODE_SECTION __attribute__((section("PAGE")))

/* Counts a check that failed, and prints what it was. */
VOID Check(BOOLEAN Holds, const char *What);

/* Each of these checks one family of routines. */
VOID CheckPool(VOID);
VOID CheckStrings(VOID);
VOID CheckMemory(VOID);
VOID CheckLevels(VOID);
VOID CheckLocks(VOID);
VOID CheckSystem(VOID);
