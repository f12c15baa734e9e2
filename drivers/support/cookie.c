/*
 * The stack cookie, which Windows drivers get from a static library of the kit.
 *
 * The compilers put a cookie between a function's buffers and its return address and have it compared when the
 * function returns. A mismatch ends in a fast fail, as in drivers built with current kits. A driver that brings a
 * cookie.c of its own is linked with that one in place of this.
 */
#include "kernel.h"

/* The value that a loader recognises as not yet chosen. */
#define DEFAULT_COOKIE 0x00002B992DDFA232ULL

#define FAST_FAIL_STACK_COOKIE 2

VOID NOINLINE ReportOverrun(ULONG_PTR Found);

VOID NOINLINE ReportOverrun(ULONG_PTR Found)
{
    UNUSED(Found);
    __asm__ volatile("int $0x29" : : "c"(FAST_FAIL_STACK_COOKIE) : "memory"); /* MARK: FASTFAIL */
}

#include "cookie.h"
