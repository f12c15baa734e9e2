/* Structured exceptions in the shapes that need the language's own: bodies that are left, and scopes that share locals. */
#include "exceptions.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static LONG NOINLINE Tell(PCSTR Name, PEXCEPTION_POINTERS Pointers, LONG Answer)
{
    TellException(Name, Pointers->ExceptionRecord);
    return Answer;
}

/* ---- Leaving a body. Whatever may leave may also stay: clang tells the ways apart only where there are several. */

static ULONG NOINLINE Return(volatile ULONG *Early)
{
    __try {
        EVENT("body");
        if (*Early) {
            return 5;
        }
    } __finally {
        EVENT("finally(%u)", AbnormalTermination() != 0);
    }
    return 6;
}

static ULONG NOINLINE ReturnFromTwo(volatile ULONG *Early)
{
    __try {
        __try {
            EVENT("body");
            if (*Early) {
                return 5;
            }
        } __finally {
            EVENT("inner-finally(%u)", AbnormalTermination() != 0);
        }
    } __finally {
        EVENT("finally(%u)", AbnormalTermination() != 0);
    }
    return 6;
}

static VOID NOINLINE Leave(volatile ULONG *Early)
{
    __try {
        EVENT("body");
        if (*Early) {
            __leave;
        }
        EVENT("rest");
    } __finally {
        EVENT("finally(%u)", AbnormalTermination() != 0);
    }
    EVENT("after");
}

static VOID NOINLINE LeaveExcept(volatile ULONG *Early)
{
    __try {
        EVENT("body");
        if (*Early) {
            __leave;
        }
        EVENT("rest");
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        EVENT("wrong-handler");
    }
    EVENT("after");
}

static VOID NOINLINE Goto(volatile ULONG *Early)
{
    __try {
        EVENT("body");
        if (*Early) {
            goto Out;
        }
        EVENT("rest");
    } __finally {
        EVENT("finally(%u)", AbnormalTermination() != 0);
    }
    EVENT("wrong-after");
Out:
    EVENT("out");
}

static VOID NOINLINE Loop(VOID)
{
    ULONG Round;

    for (Round = 0; Round < 4; Round++) {
        __try {
            if (Round == 0) {
                continue;
            }
            if (Round == 2) {
                break;
            }
            EVENT("round=%u", Round);
        } __finally {
            EVENT("finally(%u)", AbnormalTermination() != 0);
        }
    }
    EVENT("after");
}

/* ---- Scopes in scopes. */

static VOID NOINLINE ThreeDeep(VOID)
{
    __try {
        __try {
            __try {
                EVENT("body");
                Raise(CODE_A);
            } __finally {
                EVENT("inner-finally(%u)", AbnormalTermination() != 0);
            }
        } __except (Tell("passing", GetExceptionInformation(), EXCEPTION_CONTINUE_SEARCH)) {
            EVENT("wrong-handler");
        }
        EVENT("wrong-after");
    } __except (Tell("outer-filter", GetExceptionInformation(), EXCEPTION_EXECUTE_HANDLER)) {
        EVENT("handler=%x", GetExceptionCode());
    }
    EVENT("after");
}

static VOID NOINLINE ScopeInEnding(VOID)
{
    __try {
        __try {
            EVENT("body");
            Raise(CODE_A);
        } __finally {
            EVENT("finally");
            __try {
                Raise(CODE_B);
            } __except (Tell("inner-filter", GetExceptionInformation(), EXCEPTION_EXECUTE_HANDLER)) {
                EVENT("inner-handler");
            }
            EVENT("finally-end");
        }
    } __except (Tell("filter", GetExceptionInformation(), EXCEPTION_EXECUTE_HANDLER)) {
        EVENT("handler=%x", GetExceptionCode());
    }
    EVENT("after");
}

static VOID NOINLINE ScopeInHandler(VOID)
{
    __try {
        EVENT("body");
        Raise(CODE_A);
    } __except (Tell("filter", GetExceptionInformation(), EXCEPTION_EXECUTE_HANDLER)) {
        EVENT("handler");
        __try {
            Raise(CODE_B);
        } __except (Tell("inner-filter", GetExceptionInformation(), EXCEPTION_EXECUTE_HANDLER)) {
            EVENT("inner-handler");
        }
        EVENT("handler-end");
    }
    EVENT("after");
}

static VOID NOINLINE Siblings(VOID)
{
    __try {
        Raise(CODE_A);
    } __except (Tell("first", GetExceptionInformation(), EXCEPTION_EXECUTE_HANDLER)) {
        EVENT("first-handler");
    }
    __try {
        Raise(CODE_B);
    } __except (Tell("second", GetExceptionInformation(), EXCEPTION_EXECUTE_HANDLER)) {
        EVENT("second-handler");
    }
    EVENT("after");
}

/* ---- Locals: filters and endings reach the frame of their function. */

static VOID NOINLINE Locals(ULONG Given)
{
    volatile ULONG Count = Given;
    volatile ULONG Seen = 0;

    __try {
        __try {
            Count += 10;
            Raise(CODE_A);
        } __finally {
            Count += 100;
        }
    } __except (Seen = Count, Count += 1000, EXCEPTION_EXECUTE_HANDLER) {
        EVENT("seen=%u count=%u", Seen, Count);
    }
}

/* The same where the frame has no fixed size. */
static VOID NOINLINE LocalsOfVariableFrame(ULONG Given)
{
    volatile UCHAR *Room = __builtin_alloca(Given);
    volatile ULONG Count = Given;
    volatile ULONG Seen = 0;

    Room[0] = 7;
    Room[Given - 1] = 9;
    __try {
        __try {
            Count += 10;
            Raise(CODE_A);
        } __finally {
            Count += 100;
        }
    } __except (Seen = Count, Count += 1000, EXCEPTION_EXECUTE_HANDLER) {
        EVENT("seen=%u count=%u room=%u,%u", Seen, Count, Room[0], Room[Given - 1]);
    }
}

/* ---- Faults in the body itself, not in a call. */

static VOID NOINLINE LoadHere(volatile ULONG *Address)
{
    volatile ULONG Stage = 1;

    __try {
        Stage = 2;
        Stage = *Address;
        Stage = 3;
    } __except (Tell("filter", GetExceptionInformation(), EXCEPTION_EXECUTE_HANDLER)) {
        EVENT("stage=%u code=%x", Stage, GetExceptionCode());
    }
}

static VOID NOINLINE DivideHere(volatile LONG *Numbers)
{
    volatile LONG Quotient = -1;

    __try {
        Quotient = Numbers[0] / Numbers[1];
    } __except (GetExceptionCode() == STATUS_INTEGER_DIVIDE_BY_ZERO ? EXCEPTION_EXECUTE_HANDLER
                                                                   : EXCEPTION_CONTINUE_SEARCH) {
        EVENT("quotient=%d", Quotient);
    }
}

static volatile ULONG No = 0;
static volatile ULONG Yes = 1;
static volatile LONG Numbers[2] = {7, 0};

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    CASE("return", EVENT("value=%u", Return(&Yes)));
    CASE("return-two", EVENT("value=%u", ReturnFromTwo(&Yes)));
    CASE("leave", Leave(&Yes));
    CASE("no-leave", Leave(&No));
    CASE("leave-except", LeaveExcept(&Yes));
    CASE("goto", Goto(&Yes));
    CASE("loop", Loop());
    CASE("three-deep", ThreeDeep());
    CASE("scope-in-finally", ScopeInEnding());
    CASE("scope-in-handler", ScopeInHandler());
    CASE("siblings", Siblings());
    CASE("locals", Locals(1));
    CASE("locals-variable", LocalsOfVariableFrame(300));
    CASE("load-here", LoadHere(NULL));
    CASE("divide-here", DivideHere(Numbers));
    return STATUS_SUCCESS;
}
