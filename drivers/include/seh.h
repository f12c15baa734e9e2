/*
 * Structured exceptions for both compilers.
 *
 * clang has them in the language; GCC has no __try. The macros below give both the same shapes. With GCC they write a
 * scope table for the C-specific handler into the function's unwind data, as clang does by itself.
 *
 *   TRY_EXCEPT(Id, Body, Filter, Handler)     runs Body; when Filter takes an exception in it, runs Handler
 *   TRY_ALWAYS(Id, Body, Handler)             the same with a filter that is the constant 1
 *   TRY_FINALLY(Id, Body, Ending)             runs Body and then, however it ended, Ending
 *   TRY_FINALLY_EXCEPT(Id, Body, Ending, Filter, Handler)
 *                                             the second inside the first
 *   TRY_EXCEPT_EXCEPT(Id, Body, InnerFilter, InnerHandler, Filter, Handler)
 *                                             the first inside itself: what InnerHandler does is in the outer body
 *
 * Body and the handlers are statements. A filter is the name of a function FILTER(Name), which is given Pointers, the
 * exception's record and context, and Frame, the frame of the function that has the scope. An ending is the name of a
 * function ENDING(Name), which is given Abnormal, whether the body was left by an exception, and Frame.
 *
 * A function has one of these macros at most and is marked SCOPED; an Id is used once in a file. GCC does not know that
 * control may come from the body's middle: what a body changes and a handler reads lies in volatile memory, and bodies
 * are neither jumped into nor out of. Shapes that need more are in the files for clang alone.
 */
#ifndef NTPOOL_DRIVERS_SEH_H
#define NTPOOL_DRIVERS_SEH_H

#include "kernel.h"

/* What the headers for drivers lack of exceptions; winnt.h, which has it, can't be included beside them. */
typedef struct _RUNTIME_FUNCTION {
    ULONG BeginAddress;
    ULONG EndAddress;
    ULONG UnwindData;
} RUNTIME_FUNCTION, *PRUNTIME_FUNCTION;

typedef struct _UNWIND_HISTORY_TABLE *PUNWIND_HISTORY_TABLE;

typedef struct _DISPATCHER_CONTEXT {
    ULONG64 ControlPc;
    ULONG64 ImageBase;
    PRUNTIME_FUNCTION FunctionEntry;
    ULONG64 EstablisherFrame;
    ULONG64 TargetIp;
    PCONTEXT ContextRecord;
    PEXCEPTION_ROUTINE LanguageHandler;
    PVOID HandlerData;
    PUNWIND_HISTORY_TABLE HistoryTable;
    ULONG ScopeIndex;
    ULONG Fill0;
} DISPATCHER_CONTEXT, *PDISPATCHER_CONTEXT;

_Static_assert(sizeof(DISPATCHER_CONTEXT) == 0x50, "winnt.h");

typedef struct _KNONVOLATILE_CONTEXT_POINTERS {
    PM128A FloatingContext[16];
    PULONG64 IntegerContext[16];
} KNONVOLATILE_CONTEXT_POINTERS, *PKNONVOLATILE_CONTEXT_POINTERS;

#define UNW_FLAG_NHANDLER 0x0
#define UNW_FLAG_EHANDLER 0x1
#define UNW_FLAG_UHANDLER 0x2

#ifndef EXCEPTION_UNWINDING
#define EXCEPTION_UNWINDING 0x2
#define EXCEPTION_EXIT_UNWIND 0x4
#define EXCEPTION_STACK_INVALID 0x8
#define EXCEPTION_NESTED_CALL 0x10
#define EXCEPTION_TARGET_UNWIND 0x20
#define EXCEPTION_COLLIDED_UNWIND 0x40
#endif

NTSYSAPI __attribute__((noreturn)) VOID NTAPI RtlRaiseStatus(NTSTATUS Status);
NTSYSAPI VOID NTAPI RtlRaiseException(PEXCEPTION_RECORD ExceptionRecord);
NTSYSAPI VOID NTAPI RtlUnwind(PVOID TargetFrame, PVOID TargetIp, PEXCEPTION_RECORD ExceptionRecord, PVOID ReturnValue);
NTSYSAPI VOID NTAPI RtlUnwindEx(PVOID TargetFrame, PVOID TargetIp, PEXCEPTION_RECORD ExceptionRecord, PVOID ReturnValue,
                                PCONTEXT ContextRecord, PUNWIND_HISTORY_TABLE HistoryTable);
NTSYSAPI PEXCEPTION_ROUTINE NTAPI RtlVirtualUnwind(ULONG HandlerType, ULONG64 ImageBase, ULONG64 ControlPc,
                                                   PRUNTIME_FUNCTION FunctionEntry, PCONTEXT ContextRecord,
                                                   PVOID *HandlerData, PULONG64 EstablisherFrame,
                                                   PKNONVOLATILE_CONTEXT_POINTERS ContextPointers);
NTSYSAPI PRUNTIME_FUNCTION NTAPI RtlLookupFunctionEntry(ULONG64 ControlPc, PULONG64 ImageBase,
                                                        PUNWIND_HISTORY_TABLE HistoryTable);
/* Returns with the registers of any place that is captured, so nothing may be kept in them. */
NTSYSAPI VOID NTAPI RtlCaptureContext(PCONTEXT ContextRecord);
NTSYSAPI VOID NTAPI RtlRestoreContext(PCONTEXT ContextRecord, PEXCEPTION_RECORD ExceptionRecord);
NTSYSAPI PVOID NTAPI RtlPcToFileHeader(PVOID PcValue, PVOID *BaseOfImage);
NTSYSAPI USHORT NTAPI RtlCaptureStackBackTrace(ULONG FramesToSkip, ULONG FramesToCapture, PVOID *BackTrace,
                                               PULONG BackTraceHash);

#define FILTER(Name) static LONG NOINLINE Name(PEXCEPTION_POINTERS Pointers, PVOID Frame)
#define ENDING(Name) static VOID NOINLINE Name(BOOLEAN Abnormal, PVOID Frame)
#define SCOPED NOINLINE

#if defined(__clang__)

#define TRY_EXCEPT(Id, Body, Filter, Handler)                                                                         \
    __try {                                                                                                          \
        Body;                                                                                                        \
    } __except (Filter(GetExceptionInformation(), NULL)) {                                                           \
        Handler;                                                                                                     \
    }

#define TRY_ALWAYS(Id, Body, Handler)                                                                                 \
    __try {                                                                                                          \
        Body;                                                                                                        \
    } __except (EXCEPTION_EXECUTE_HANDLER) {                                                                         \
        Handler;                                                                                                     \
    }

#define TRY_FINALLY(Id, Body, Ending)                                                                                 \
    __try {                                                                                                          \
        Body;                                                                                                        \
    } __finally {                                                                                                    \
        Ending(AbnormalTermination() != 0, NULL);                                                                    \
    }

#define TRY_FINALLY_EXCEPT(Id, Body, Ending, Filter, Handler)                                                         \
    __try {                                                                                                          \
        TRY_FINALLY(Id, Body, Ending)                                                                                \
    } __except (Filter(GetExceptionInformation(), NULL)) {                                                           \
        Handler;                                                                                                     \
    }

#define TRY_EXCEPT_EXCEPT(Id, Body, InnerFilter, InnerHandler, Filter, Handler)                                       \
    __try {                                                                                                          \
        TRY_EXCEPT(Id, Body, InnerFilter, InnerHandler)                                                              \
    } __except (Filter(GetExceptionInformation(), NULL)) {                                                           \
        Handler;                                                                                                     \
    }

#else

/* Nothing survives in a register where control comes from a body. */
#define SEH_CLOBBERS                                                                                                  \
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1",   \
        "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",  \
        "xmm15", "memory", "cc"

/* Opens the table of a function, for so many scopes. The innermost scope comes first. */
#define SEH_TABLE(Count)                                                                                              \
    ".seh_handler __C_specific_handler, @except, @unwind\n\t"                                                         \
    ".seh_handlerdata\n\t"                                                                                            \
    ".long " #Count "\n\t"

/* One scope: where it begins and ends, its filter or ending, and where its handler begins. */
#define SEH_SCOPE(Id, Routine, Target)                                                                                \
    ".rva .Lbegin_" #Id ", .Lend_" #Id "\n\t"                                                                         \
    ".rva %c[" #Routine "]\n\t" Target "\n\t"

#define SEH_TARGET(Label) ".rva %l[" #Label "]"
#define SEH_NO_TARGET ".long 0"

/*
 * A scope's begin or end. The end lies behind a nop, so that the return address of a call that ends the body is in the
 * scope. The labels keep alive what the handlers need, for as long as control may come from the body.
 */
#define SEH_BEGIN(Id, ...) __asm__ goto(".Lbegin_" #Id ":" : : : SEH_CLOBBERS : __VA_ARGS__)
#define SEH_END(Id, ...) __asm__ goto("nop\n.Lend_" #Id ":" : : : SEH_CLOBBERS : __VA_ARGS__)

#define TRY_EXCEPT(Id, Body, Filter, Handler)                                                                         \
    do {                                                                                                             \
        __label__ Handle_##Id, Done_##Id;                                                                            \
        __asm__ goto(SEH_TABLE(1) SEH_SCOPE(Id, Routine, SEH_TARGET(Handle_##Id)) ".text"                            \
                     :                                                                                               \
                     : [Routine] "i"(Filter)                                                                         \
                     : SEH_CLOBBERS                                                                                  \
                     : Handle_##Id);                                                                                 \
        SEH_BEGIN(Id, Handle_##Id);                                                                                  \
        Body;                                                                                                        \
        SEH_END(Id, Handle_##Id);                                                                                    \
        goto Done_##Id;                                                                                              \
        Handle_##Id:                                                                                                 \
        Handler;                                                                                                     \
        Done_##Id:;                                                                                                  \
    } while (0)

#define TRY_ALWAYS(Id, Body, Handler)                                                                                 \
    do {                                                                                                             \
        __label__ Handle_##Id, Done_##Id;                                                                            \
        __asm__ goto(SEH_TABLE(1) ".rva .Lbegin_" #Id ", .Lend_" #Id "\n\t.long 1\n\t" SEH_TARGET(Handle_##Id)        \
                     "\n\t.text"                                                                                     \
                     :                                                                                               \
                     :                                                                                               \
                     : SEH_CLOBBERS                                                                                  \
                     : Handle_##Id);                                                                                 \
        SEH_BEGIN(Id, Handle_##Id);                                                                                  \
        Body;                                                                                                        \
        SEH_END(Id, Handle_##Id);                                                                                    \
        goto Done_##Id;                                                                                              \
        Handle_##Id:                                                                                                 \
        Handler;                                                                                                     \
        Done_##Id:;                                                                                                  \
    } while (0)

#define TRY_FINALLY(Id, Body, Ending)                                                                                 \
    do {                                                                                                             \
        __asm__ volatile(SEH_TABLE(1) SEH_SCOPE(Id, Routine, SEH_NO_TARGET) ".text"                                   \
                         :                                                                                           \
                         : [Routine] "i"(Ending)                                                                     \
                         : SEH_CLOBBERS);                                                                            \
        __asm__ volatile(".Lbegin_" #Id ":" : : : "memory");                                                         \
        Body;                                                                                                        \
        __asm__ volatile("nop\n.Lend_" #Id ":" : : : "memory");                                                      \
        Ending(FALSE, NULL);                                                                                         \
    } while (0)

#define TRY_FINALLY_EXCEPT(Id, Body, Ending, Filter, Handler)                                                         \
    do {                                                                                                             \
        __label__ Handle_##Id, Done_##Id;                                                                            \
        __asm__ goto(SEH_TABLE(2) SEH_SCOPE(Id##_inner, Inner, SEH_NO_TARGET)                                         \
                         SEH_SCOPE(Id, Outer, SEH_TARGET(Handle_##Id)) ".text"                                       \
                     :                                                                                               \
                     : [Inner] "i"(Ending), [Outer] "i"(Filter)                                                      \
                     : SEH_CLOBBERS                                                                                  \
                     : Handle_##Id);                                                                                 \
        SEH_BEGIN(Id, Handle_##Id);                                                                                  \
        SEH_BEGIN(Id##_inner, Handle_##Id);                                                                          \
        Body;                                                                                                        \
        SEH_END(Id##_inner, Handle_##Id);                                                                            \
        Ending(FALSE, NULL);                                                                                         \
        SEH_END(Id, Handle_##Id);                                                                                    \
        goto Done_##Id;                                                                                              \
        Handle_##Id:                                                                                                 \
        Handler;                                                                                                     \
        Done_##Id:;                                                                                                  \
    } while (0)

#define TRY_EXCEPT_EXCEPT(Id, Body, InnerFilter, InnerHandler, Filter, Handler)                                       \
    do {                                                                                                             \
        __label__ Inner_##Id, Handle_##Id, Done_##Id;                                                                \
        __asm__ goto(SEH_TABLE(3) SEH_SCOPE(Id##_inner, Inner, SEH_TARGET(Inner_##Id))                                \
                         SEH_SCOPE(Id, Outer, SEH_TARGET(Handle_##Id))                                               \
                         SEH_SCOPE(Id##_handler, Outer, SEH_TARGET(Handle_##Id)) ".text"                             \
                     :                                                                                               \
                     : [Inner] "i"(InnerFilter), [Outer] "i"(Filter)                                                 \
                     : SEH_CLOBBERS                                                                                  \
                     : Inner_##Id, Handle_##Id);                                                                     \
        SEH_BEGIN(Id, Inner_##Id, Handle_##Id);                                                                      \
        SEH_BEGIN(Id##_inner, Inner_##Id, Handle_##Id);                                                              \
        Body;                                                                                                        \
        SEH_END(Id##_inner, Inner_##Id, Handle_##Id);                                                                \
        SEH_END(Id, Handle_##Id);                                                                                    \
        goto Done_##Id;                                                                                              \
        /* The compiler chooses where this lies, so it is a scope of its own. */                                     \
        Inner_##Id:                                                                                                  \
        SEH_BEGIN(Id##_handler, Handle_##Id);                                                                        \
        InnerHandler;                                                                                                \
        SEH_END(Id##_handler, Handle_##Id);                                                                          \
        goto Done_##Id;                                                                                              \
        Handle_##Id:                                                                                                 \
        Handler;                                                                                                     \
        Done_##Id:;                                                                                                  \
    } while (0)

#endif

#endif
