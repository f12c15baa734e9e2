/* A driver that unwinds by itself: its own language handler, walks of its own stack, contexts taken and put back. */
#include "exceptions.h"

TELLING_FILTER(Taking, "filter", EXCEPTION_EXECUTE_HANDLER)
TELLING_ENDING(Ending, "finally")

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static VOID NOINLINE Body(NTSTATUS Code)
{
    EVENT("body");
    Raise(Code);
    EVENT("survived");
}

/*
 * Calls a routine in a frame whose language handler is HandHandler, and returns 1 where the routine returns. Who
 * unwinds to HandLanding chooses what it returns. Its frame is left in HandFrame.
 */
__asm__(".text\n"
        ".globl CatchByHand\n"
        ".def CatchByHand; .scl 2; .type 32; .endef\n"
        ".seh_proc CatchByHand\n"
        "CatchByHand:\n"
        "    subq $40, %rsp\n"
        "    .seh_stackalloc 40\n"
        "    .seh_endprologue\n"
        "    .seh_handler HandHandler, @except, @unwind\n"
        "    .seh_handlerdata\n"
        "    .long 0x1234\n"
        "    .text\n"
        "    movq %rsp, HandFrame(%rip)\n"
        "    call *%rcx\n"
        "    movl $1, %eax\n"
        ".globl HandLanding\n"
        "HandLanding:\n"
        "    addq $40, %rsp\n"
        "    ret\n"
        "    .seh_endproc\n"
        ".text\n"
        ".globl LeafLoad\n"
        "LeafLoad:\n"
        "    movl (%rcx), %eax\n"
        "    ret\n");

ULONG64 NTAPI CatchByHand(VOID(NTAPI *Routine)(VOID));
VOID NTAPI HandLanding(VOID);
ULONG NTAPI LeafLoad(const volatile VOID *Address);
ULONG64 HandFrame;

/* What the language handler does when it is asked. */
static enum { PassIt, TakeIt, TakeItEx, RepairIt } HandWish;

static volatile ULONG Answer = 42;

EXCEPTION_DISPOSITION NTAPI HandHandler(PEXCEPTION_RECORD Record, PVOID Frame, PCONTEXT Context,
                                        PVOID DispatcherContext);

EXCEPTION_DISPOSITION NTAPI HandHandler(PEXCEPTION_RECORD Record, PVOID Frame, PCONTEXT Context,
                                        PVOID DispatcherContext)
{
    PDISPATCHER_CONTEXT Dispatcher = DispatcherContext;

    EVENT("hand=%x/%x", Record->ExceptionCode, Record->ExceptionFlags & ~(ULONG)EXCEPTION_NONCONTINUABLE);
    if ((Record->ExceptionFlags & (EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND)) != 0) {
        return ExceptionContinueSearch;
    }
    EVENT("frame=%u data=%x entry=%u image=%u", (ULONG64)(ULONG_PTR)Frame == HandFrame,
          *(ULONG *)Dispatcher->HandlerData,
          Dispatcher->ImageBase + Dispatcher->FunctionEntry->BeginAddress == (ULONG64)(ULONG_PTR)CatchByHand,
          *(USHORT *)(ULONG_PTR)Dispatcher->ImageBase == 0x5A4D);
    EVENT("establisher=%u pc=%u handler=%u", Dispatcher->EstablisherFrame == HandFrame,
          Dispatcher->ControlPc >= (ULONG64)(ULONG_PTR)CatchByHand &&
              Dispatcher->ControlPc < (ULONG64)(ULONG_PTR)HandLanding,
          Dispatcher->LanguageHandler != NULL);
    switch (HandWish) {
    case PassIt:
        break;
    case TakeIt:
        RtlUnwind(Frame, HandLanding, Record, (PVOID)77);
        EVENT("not-unwound");
        break;
    case TakeItEx:
        RtlUnwindEx(Frame, HandLanding, Record, (PVOID)78, Dispatcher->ContextRecord, Dispatcher->HistoryTable);
        EVENT("not-unwound");
        break;
    case RepairIt:
        Context->Rcx = (ULONG64)(ULONG_PTR)&Answer;
        return ExceptionContinueExecution;
    }
    return ExceptionContinueSearch;
}

static VOID NTAPI SCOPED RaiseWithEnding(VOID)
{
    TRY_FINALLY(RaiseWithEnding, Body(CODE_A), Ending);
    EVENT("wrong-after");
}

static VOID NTAPI NOINLINE LoadNull(VOID)
{
    EVENT("value=%u", LeafLoad(NULL));
}

static VOID NTAPI NOINLINE Quiet(VOID)
{
    EVENT("body");
}

/* Unwinds without an exception. */
static VOID NTAPI SCOPED Jump(VOID)
{
    TRY_FINALLY(Jump, EVENT("body"); RtlUnwind((PVOID)(ULONG_PTR)HandFrame, HandLanding, NULL, (PVOID)79), Ending);
    EVENT("wrong-after");
}

static VOID NTAPI NOINLINE JumpEx(VOID)
{
    CONTEXT Context;

    RtlUnwindEx((PVOID)(ULONG_PTR)HandFrame, HandLanding, NULL, (PVOID)80, &Context, NULL);
    EVENT("wrong-after");
}

static VOID Catch(VOID(NTAPI *Routine)(VOID))
{
    EVENT("landed=%I64u", CatchByHand(Routine));
}

/* The language handler passes; the C-specific one further out takes the exception. */
static VOID SCOPED TakeBehindHand(VOID)
{
    TRY_EXCEPT(TakeBehindHand, Catch(RaiseWithEnding), Taking, EVENT("handler"));
}

/* ---- Looking at functions and stacks. */

static VOID NOINLINE TellFunctionOf(ULONG64 Address);
static VOID NOINLINE Outermost(VOID (*Routine)(VOID));
static VOID NOINLINE Middle(VOID (*Routine)(VOID));
static VOID NOINLINE WalkByContext(VOID);
static VOID NOINLINE WalkByTrace(VOID);

static BOOLEAN IsIn(ULONG64 Address, VOID *Function)
{
    ULONG64 Base;
    PRUNTIME_FUNCTION Entry = RtlLookupFunctionEntry(Address, &Base, NULL);

    return Entry != NULL && Base + Entry->BeginAddress == (ULONG64)(ULONG_PTR)Function &&
           Address - Base < Entry->EndAddress;
}

static VOID NOINLINE TellFunctionOf(ULONG64 Address)
{
    EVENT("%s", IsIn(Address, Outermost)       ? "outermost"
                : IsIn(Address, Middle)        ? "middle"
                : IsIn(Address, WalkByContext) ? "by-context"
                : IsIn(Address, WalkByTrace)   ? "by-trace"
                                               : "other");
}

static VOID NOINLINE WalkByContext(VOID)
{
    CONTEXT Context;
    ULONG64 Stack;
    ULONG Depth;

    __asm__ volatile("movq %%rsp, %0" : "=r"(Stack));
    RtlCaptureContext(&Context);
    EVENT("rsp=%u control=%u integer=%u", Context.Rsp == Stack, (Context.ContextFlags & 0x100001) == 0x100001,
          (Context.ContextFlags & 0x100002) == 0x100002);
    for (Depth = 0; Depth < 3; Depth++) {
        ULONG64 Base;
        ULONG64 Frame;
        PVOID HandlerData;
        PRUNTIME_FUNCTION Entry = RtlLookupFunctionEntry(Context.Rip, &Base, NULL);

        TellFunctionOf(Context.Rip);
        if (Entry == NULL) {
            break;
        }
        if (RtlVirtualUnwind(UNW_FLAG_NHANDLER, Base, Context.Rip, Entry, &Context, &HandlerData, &Frame, NULL) !=
            NULL) {
            EVENT("handler");
        }
    }
}

static VOID NOINLINE WalkByTrace(VOID)
{
    PVOID Trace[16];
    USHORT Count = RtlCaptureStackBackTrace(0, RTL_NUMBER_OF(Trace), Trace, NULL);
    USHORT Index;

    EVENT("enough=%u", Count >= 3);
    for (Index = 0; Index < Count && Index < 3; Index++) {
        TellFunctionOf((ULONG64)(ULONG_PTR)Trace[Index]);
    }
    Count = RtlCaptureStackBackTrace(1, 1, Trace, NULL);
    EVENT("skipped count=%u", Count);
    TellFunctionOf((ULONG64)(ULONG_PTR)Trace[0]);
}

static VOID NOINLINE Middle(VOID (*Routine)(VOID))
{
    UCHAR Room[300];

    USE_ALL(Room);
    Routine();
    USE_ALL(Room);
}

static VOID NOINLINE Outermost(VOID (*Routine)(VOID))
{
    UCHAR Room[0x1800];

    USE_ALL(Room);
    Middle(Routine);
    USE_ALL(Room);
}

static VOID CheckLookup(VOID)
{
    ULONG64 Base;
    ULONG64 Frame;
    PVOID HandlerData = NULL;
    PVOID Header = NULL;
    CONTEXT Context;
    PRUNTIME_FUNCTION Entry = RtlLookupFunctionEntry((ULONG64)(ULONG_PTR)CatchByHand + 8, &Base, NULL);
    PEXCEPTION_ROUTINE Handler;

    EVENT("begin=%u end=%u", Base + Entry->BeginAddress == (ULONG64)(ULONG_PTR)CatchByHand,
          Base + Entry->EndAddress > (ULONG64)(ULONG_PTR)HandLanding);
    EVENT("header=%u", RtlPcToFileHeader((PVOID)CatchByHand, &Header) == (PVOID)(ULONG_PTR)Base &&
                           Header == (PVOID)(ULONG_PTR)Base);
    EVENT("leaf=%p outside=%p", RtlLookupFunctionEntry((ULONG64)(ULONG_PTR)LeafLoad, &Base, NULL),
          RtlLookupFunctionEntry(0x10000, &Base, NULL));
    EVENT("nowhere=%p", RtlPcToFileHeader((PVOID)0x10000, &Header));

    /* As if the function had just called its routine. */
    RtlCaptureContext(&Context);
    Entry = RtlLookupFunctionEntry((ULONG64)(ULONG_PTR)CatchByHand + 8, &Base, NULL);
    {
        ULONG64 Stack[8] = {1, 2, 3, 4, 5, 0x1111, 0x2222, 0x3333};

        Context.Rsp = (ULONG64)(ULONG_PTR)Stack;
        Handler = RtlVirtualUnwind(UNW_FLAG_EHANDLER, Base, (ULONG64)(ULONG_PTR)CatchByHand + 11, Entry, &Context,
                                   &HandlerData, &Frame, NULL);
        EVENT("handler=%u data=%x rip=%I64x rsp=%I64u frame=%u", Handler != NULL, *(ULONG *)HandlerData, Context.Rip,
              Context.Rsp - (ULONG64)(ULONG_PTR)Stack, Frame == (ULONG64)(ULONG_PTR)Stack);
    }
}

static VOID NOINLINE Restore(VOID)
{
    static CONTEXT Context;
    static volatile ULONG Rounds;

    Rounds = 0;
    RtlCaptureContext(&Context);
    Rounds++;
    EVENT("round=%u", Rounds);
    if (Rounds < 3) {
        RtlRestoreContext(&Context, NULL);
        EVENT("not-restored");
    }
}

/* Hides which routine it is, so that no frame is made for one of them alone. */
static VOID Walk(VOID (*Routine)(VOID))
{
    HIDE(Routine);
    Outermost(Routine);
}

static VOID Observe(VOID)
{
    HandWish = PassIt;
    CASE("hand-quiet", Catch(Quiet));
    CASE("hand-passed", TakeBehindHand());
    HandWish = TakeIt;
    CASE("hand-taken", Catch(RaiseWithEnding));
    CASE("hand-fault", Catch(LoadNull));
    HandWish = TakeItEx;
    CASE("hand-taken-ex", Catch(RaiseWithEnding));
    HandWish = RepairIt;
    CASE("hand-repaired", Catch(LoadNull));
    CASE("jump", Catch(Jump));
    CASE("jump-ex", Catch(JumpEx));
    CASE("lookup", CheckLookup());
    CASE("walk", Walk(WalkByContext));
    CASE("trace", Walk(WalkByTrace));
    CASE("restored", Restore());
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Observe();
    return STATUS_SUCCESS;
}
