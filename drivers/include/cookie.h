/*
 * The half of the stack cookie's support that depends on the compiler; included once, by a cookie.c that defines
 * DEFAULT_COOKIE and ReportOverrun.
 */
#if defined(__clang__)

/* A loader finds the cookie through the load configuration and gives it a value of its own. */
ULONG_PTR __security_cookie = DEFAULT_COOKIE;

VOID __security_check_cookie(ULONG_PTR Found);

VOID __security_check_cookie(ULONG_PTR Found)
{
    if (Found != __security_cookie) {
        ReportOverrun(Found);
    }
}

/* The load configuration of a 64-bit image up to the fields needed here; the offsets are the PE specification's. */
struct LoadConfiguration {
    ULONG Size;
    ULONG Unused[21];
    ULONG_PTR SecurityCookie;
    ULONG_PTR HandlerTable;
    ULONG_PTR HandlerCount;
};

_Static_assert(__builtin_offsetof(struct LoadConfiguration, SecurityCookie) == 0x58, "PE specification");

const struct LoadConfiguration _load_config_used = {
    .Size = sizeof(struct LoadConfiguration),
    .SecurityCookie = (ULONG_PTR)&__security_cookie,
};

#else

/* GNU ld writes no load configuration, so the value stays. The compiler's call does not say what was found. */
ULONG_PTR __stack_chk_guard = DEFAULT_COOKIE;

VOID __stack_chk_fail(VOID);

VOID __stack_chk_fail(VOID)
{
    ReportOverrun(0);
    __builtin_unreachable();
}

#endif
