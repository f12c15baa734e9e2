/*
 * Says what the public headers make of the structures and constants of ntpool-abi.
 *
 * The test writes table.h, one line per size, member and constant, and compiles this file to assembly; each value
 * then stands in it as text. Nothing of it ever runs.
 */
#ifdef PROGRAMS
#include <windows.h>
#include <excpt.h>
#else
#include <ntifs.h>
/* What those headers lack, as the drivers of this repository are built with it. */
#include "pool.h"
#endif
#include <stddef.h>

/* In two halves: not every number of 64 bits can be an instruction's operand. */
#define SAY(name, value)                                                                                             \
    __asm__ volatile("/*@ " name " %c0 %c1 @*/"                                                                      \
                     :                                                                                               \
                     : "i"((int)((unsigned long long)(value) >> 32)), "i"((int)(unsigned long long)(value)))
#define STRUCTURE(name) SAY(#name, sizeof(name))
#define MEMBER(name, member)                                                                                         \
    SAY(#name "." #member, offsetof(name, member));                                                                  \
    SAY(#name "." #member "#", sizeof(((name *)0)->member))
#define CONSTANT(name) SAY(#name, name)

void probe(void)
{
#include "table.h"
}
