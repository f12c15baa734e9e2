/* The stack cookie's support as older kits have it: a mismatch is a bug check (MACH-035). */
#include "kernel.h"

/* The value that a loader recognises as not yet chosen. */
#define DEFAULT_COOKIE 0x00002B992DDFA232ULL

VOID NOINLINE ReportOverrun(ULONG_PTR Found);

#include "cookie.h"

#if defined(__clang__)
#define EXPECTED __security_cookie
#else
#define EXPECTED __stack_chk_guard
#endif

VOID NOINLINE ReportOverrun(ULONG_PTR Found)
{
    KeBugCheckEx(0xF7, Found, EXPECTED, ~EXPECTED, 0); /* MARK: CRIME */
}
