/* Structured exceptions in the shapes that both compilers have: who is asked, who is told, and in which order. */
#include "exceptions.h"

#define SETTLE EXCEPTION_EXECUTE_HANDLER
#define PASS EXCEPTION_CONTINUE_SEARCH
#define RESUME EXCEPTION_CONTINUE_EXECUTION

TELLING_FILTER(Taking, "filter", SETTLE)
TELLING_FILTER(Passing, "passing", PASS)
TELLING_FILTER(Resuming, "resuming", RESUME)
TELLING_FILTER(TakingInner, "inner-filter", SETTLE)
TELLING_FILTER(TakingOuter, "outer-filter", SETTLE)
TELLING_ENDING(Ending, "finally")
TELLING_ENDING(EndingInner, "inner-finally")
TELLING_ENDING(EndingMiddle, "middle-finally")

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* A body that raises. */
static VOID NOINLINE Body(NTSTATUS Code)
{
    EVENT("body");
    Raise(Code);
    EVENT("survived");
}

/* A body that does not. */
static VOID NOINLINE Quiet(VOID)
{
    EVENT("body");
}

/* ---- A filter's answers. */

static VOID SCOPED Take(VOID)
{
    TRY_EXCEPT(Take, Body(CODE_A), Taking, EVENT("handler"));
    EVENT("after");
}

static VOID SCOPED TakeAlways(VOID)
{
    TRY_ALWAYS(TakeAlways, Body(CODE_A), EVENT("handler"));
    EVENT("after");
}

static VOID SCOPED TakeNothing(VOID)
{
    TRY_EXCEPT(TakeNothing, Quiet(), Taking, EVENT("handler"));
    EVENT("after");
}

static VOID SCOPED PassOn(NTSTATUS Code)
{
    TRY_EXCEPT(PassOn, Body(Code), Passing, EVENT("wrong-handler"));
    EVENT("wrong-after");
}

static VOID SCOPED TakeFromCallee(VOID)
{
    TRY_EXCEPT(TakeFromCallee, PassOn(CODE_A), TakingOuter, EVENT("outer-handler"));
    EVENT("after");
}

/* Raises what may be continued, with parameters. */
static VOID NOINLINE RaiseContinuable(ULONG Flags)
{
    EXCEPTION_RECORD Record;

    RtlZeroMemory(&Record, sizeof(Record));
    Record.ExceptionCode = CODE_A;
    Record.ExceptionFlags = Flags;
    Record.NumberParameters = 3;
    Record.ExceptionInformation[0] = 11;
    Record.ExceptionInformation[1] = 0x123456789ABCDEF0;
    Record.ExceptionInformation[2] = 33;
    EVENT("body");
    RtlRaiseException(&Record);
    EVENT("back");
}

static VOID SCOPED Resume(VOID)
{
    TRY_EXCEPT(Resume, RaiseContinuable(0), Resuming, EVENT("wrong-handler"));
    EVENT("after");
}

/* Resumes what must not be resumed, and takes the exception that this makes. */
FILTER(ResumingOnce)
{
    UNUSED(Frame);
    TellException("filter", Pointers->ExceptionRecord);
    return Pointers->ExceptionRecord->ExceptionCode == STATUS_NONCONTINUABLE_EXCEPTION ? SETTLE : RESUME;
}

static VOID SCOPED ResumeNoncontinuable(VOID)
{
    TRY_EXCEPT(ResumeNoncontinuable, RaiseContinuable(EXCEPTION_NONCONTINUABLE), ResumingOnce, EVENT("handler"));
    EVENT("after");
}

/* ---- What a filter sees. */

__asm__(".text\n"
        ".globl AccessBegin\n"
        "AccessBegin:\n"
        "    movl (%rcx), %eax\n"
        "    ret\n"
        ".globl StoreBegin\n"
        "StoreBegin:\n"
        "    movl $1, (%rcx)\n"
        "    ret\n"
        ".globl AccessEnd\n"
        "AccessEnd:\n");

/* Functions without unwind data: leaves. */
ULONG NTAPI AccessBegin(const volatile VOID *Address);
ULONG NTAPI StoreBegin(volatile VOID *Address);
VOID NTAPI AccessEnd(VOID);

static BOOLEAN IsInAccess(ULONG_PTR Address)
{
    return Address >= (ULONG_PTR)AccessBegin && Address < (ULONG_PTR)AccessEnd;
}

FILTER(Looking)
{
    PEXCEPTION_RECORD Record = Pointers->ExceptionRecord;
    PCONTEXT Context = Pointers->ContextRecord;

    UNUSED(Frame);
    TellException("filter", Record);
    EVENT("at-access=%u same-ip=%u rcx=%I64x flags=%x nested=%p", IsInAccess((ULONG_PTR)Record->ExceptionAddress),
          Context->Rip == (ULONG64)(ULONG_PTR)Record->ExceptionAddress, Context->Rcx, Record->ExceptionFlags,
          Record->ExceptionRecord);
    return SETTLE;
}

static VOID SCOPED LookAtFault(VOID)
{
    TRY_EXCEPT(LookAtFault, AccessBegin((PVOID)0x10008), Looking, EVENT("handler"));
}

/* What a raised exception brings along, and that its context is a place behind the raise in this image. */
FILTER(LookingAtRaise)
{
    PVOID Base;

    UNUSED(Frame);
    TellException("filter", Pointers->ExceptionRecord);
    EVENT("in-image=%u", RtlPcToFileHeader((PVOID)(ULONG_PTR)Pointers->ContextRecord->Rip, &Base) != NULL);
    return SETTLE;
}

static VOID SCOPED LookAtRaise(VOID)
{
    TRY_EXCEPT(LookAtRaise, RaiseContinuable(0), LookingAtRaise, EVENT("handler"));
}

/* ---- Endings. */

static VOID SCOPED EndNormally(VOID)
{
    TRY_FINALLY(EndNormally, Quiet(), Ending);
    EVENT("after");
}

static VOID SCOPED EndByException(NTSTATUS Code)
{
    TRY_FINALLY(EndByException, Body(Code), Ending);
    EVENT("wrong-after");
}

static VOID SCOPED TakeBehindEnding(VOID)
{
    TRY_EXCEPT(TakeBehindEnding, EndByException(CODE_A), Taking, EVENT("handler"));
    EVENT("after");
}

/* ---- Nesting. */

static VOID SCOPED NestInOne(VOID)
{
    TRY_FINALLY_EXCEPT(NestInOne, Body(CODE_A), Ending, Taking, EVENT("handler"));
    EVENT("after");
}

static VOID SCOPED NestFilters(VOID)
{
    TRY_EXCEPT_EXCEPT(NestFilters, Body(CODE_A), Passing, EVENT("wrong-handler"), TakingOuter, EVENT("outer-handler"));
    EVENT("after");
}

static VOID SCOPED NestTaken(VOID)
{
    TRY_EXCEPT_EXCEPT(NestTaken, Body(CODE_A), TakingInner, EVENT("inner-handler"), TakingOuter,
                      EVENT("wrong-handler"));
    EVENT("after");
}

static VOID SCOPED RaiseInHandler(VOID)
{
    TRY_EXCEPT_EXCEPT(RaiseInHandler, Body(CODE_A), TakingInner, EVENT("inner-handler"); Raise(CODE_B), TakingOuter,
                      EVENT("outer-handler"));
    EVENT("after");
}

static VOID SCOPED Deepest(VOID)
{
    TRY_FINALLY_EXCEPT(Deepest, Body(CODE_A), EndingInner, Passing, EVENT("wrong-handler"));
    EVENT("wrong-after");
}

static VOID SCOPED Deeper(VOID)
{
    TRY_FINALLY(Deeper, Deepest(), EndingMiddle);
    EVENT("wrong-after");
}

static VOID SCOPED NestFunctions(VOID)
{
    TRY_FINALLY_EXCEPT(NestFunctions, Deeper(), Ending, TakingOuter, EVENT("handler"));
    EVENT("after");
}

/* ---- Exceptions that meet exceptions. */

/* Raises another exception the first time; its own scope is asked about that too. */
FILTER(RaisingFilter)
{
    UNUSED(Frame);
    TellException("filter", Pointers->ExceptionRecord);
    if (Pointers->ExceptionRecord->ExceptionCode == (NTSTATUS)CODE_A) {
        Raise(CODE_B);
    }
    return SETTLE;
}

static VOID SCOPED RaiseInFilter(VOID)
{
    TRY_EXCEPT(RaiseInFilter, EndByException(CODE_A), RaisingFilter, EVENT("handler"));
    EVENT("after");
}

/* A filter with a scope of its own. */
static VOID SCOPED RaiseAndTake(VOID)
{
    TRY_EXCEPT(RaiseAndTake, Body(CODE_B), TakingInner, EVENT("inner-handler"));
}

FILTER(FilterWithScope)
{
    UNUSED(Frame);
    TellException("filter", Pointers->ExceptionRecord);
    RaiseAndTake();
    TellException("still", Pointers->ExceptionRecord);
    return SETTLE;
}

static VOID SCOPED TakeInFilter(VOID)
{
    TRY_EXCEPT(TakeInFilter, EndByException(CODE_A), FilterWithScope, EVENT("handler"));
    EVENT("after");
}

ENDING(RaisingEnding)
{
    UNUSED(Frame);
    EVENT("raising-finally(%u)", Abnormal);
    Raise(CODE_B);
}

static VOID SCOPED EndByRaising(VOID)
{
    TRY_FINALLY(EndByRaising, EndByException(CODE_A), RaisingEnding);
    EVENT("wrong-after");
}

static VOID SCOPED BetweenCollision(VOID)
{
    TRY_FINALLY(BetweenCollision, EndByRaising(), EndingMiddle);
    EVENT("wrong-after");
}

/* The second exception ends the unwinding for the first; no ending is reached twice. */
static VOID SCOPED Collide(VOID)
{
    TRY_EXCEPT(Collide, BetweenCollision(), Taking, EVENT("handler"));
    EVENT("after");
}

/* The second exception is taken further in than the first would have been. */
static VOID SCOPED TakeCollision(VOID)
{
    TRY_EXCEPT(TakeCollision, EndByRaising(), TakingInner, EVENT("inner-handler"));
    EVENT("after-inner");
}

FILTER(TakingOnlyA)
{
    UNUSED(Frame);
    TellException("filter", Pointers->ExceptionRecord);
    return Pointers->ExceptionRecord->ExceptionCode == (NTSTATUS)CODE_A ? SETTLE : PASS;
}

FILTER(TakingOnlyB)
{
    UNUSED(Frame);
    TellException("filter", Pointers->ExceptionRecord);
    return Pointers->ExceptionRecord->ExceptionCode == (NTSTATUS)CODE_B ? SETTLE : PASS;
}

static VOID SCOPED TakeSecond(VOID)
{
    TRY_EXCEPT(TakeSecond, EndByRaising(), TakingOnlyB, EVENT("inner-handler"));
    EVENT("after-inner");
}

static VOID SCOPED CollideShort(VOID)
{
    TRY_EXCEPT(CollideShort, TakeSecond(), TakingOnlyA, EVENT("wrong-handler"));
    EVENT("after");
}

/* An ending that has an exception all to itself. */
ENDING(EndingWithScope)
{
    UNUSED(Frame);
    EVENT("scoped-finally(%u)", Abnormal);
    RaiseAndTake();
    EVENT("scoped-end");
}

static VOID SCOPED EndWithScope(VOID)
{
    TRY_FINALLY(EndWithScope, EndByException(CODE_A), EndingWithScope);
    EVENT("wrong-after");
}

static VOID SCOPED TakeInEnding(VOID)
{
    TRY_FINALLY_EXCEPT(TakeInEnding, EndWithScope(), EndingMiddle, Taking, EVENT("handler"));
    EVENT("after");
}

static VOID SCOPED TakeAgain(VOID)
{
    TRY_EXCEPT(TakeAgain, EVENT("round"); Raise(CODE_A), Taking, EVENT("handler"));
}

/* ---- Frames. */

/* Has a frame of several pages. */
static VOID NOINLINE RaiseBelowArray(NTSTATUS Code)
{
    UCHAR Array[0x2800];

    USE_ALL(Array);
    RtlFillMemory(Array, sizeof(Array), 0x5A);
    Raise(Code);
    USE_ALL(Array);
}

static VOID SCOPED TakeBelowArray(VOID)
{
    TRY_EXCEPT(TakeBelowArray, RaiseBelowArray(CODE_A), Taking, EVENT("handler"));
    EVENT("after");
}

/* Recurses, so that many frames alike are unwound. */
static VOID NOINLINE RaiseDeep(ULONG Depth)
{
    volatile ULONG Mine = Depth;

    if (Depth == 0) {
        Raise(CODE_A);
    } else {
        RaiseDeep(Depth - 1);
    }
    (void)Mine;
}

static VOID SCOPED TakeFromDeep(VOID)
{
    TRY_EXCEPT(TakeFromDeep, RaiseDeep(50), Taking, EVENT("handler"));
    EVENT("after");
}

/*
 * CallWithRegisters gives every preserved register a value, calls a routine, and says which of them it finds changed,
 * as a mask: rbx 1, rbp 2, rsi 4, rdi 8, r12 to r15 0x10 to 0x80, xmm6 to xmm15 0x100 on. FaultWithOthers saves them,
 * gives them other values, and reads through a null pointer.
 */
#define EACH_XMM(Do) Do(6) Do(7) Do(8) Do(9) Do(10) Do(11) Do(12) Do(13) Do(14) Do(15)
#define SAVE_XMM(N) "    movaps %xmm" #N ", 32+(" #N "-6)*16(%rsp)\n    .seh_savexmm %xmm" #N ", 32+(" #N "-6)*16\n"
#define LOAD_XMM(N) "    movaps 32+(" #N "-6)*16(%rsp), %xmm" #N "\n"
#define SET_XMM(N) "    movl $0x1000+" #N ", %eax\n    movd %eax, %xmm" #N "\n    pshufd $0, %xmm" #N ", %xmm" #N "\n"
#define RUIN_XMM(N) "    pcmpeqd %xmm" #N ", %xmm" #N "\n"
#define COMPARE_XMM(N)                                                                                                \
    "    movl $0x1000+" #N ", %eax\n"                                                                                 \
    "    movd %eax, %xmm0\n"                                                                                          \
    "    pshufd $0, %xmm0, %xmm0\n"                                                                                   \
    "    pcmpeqd %xmm" #N ", %xmm0\n"                                                                                 \
    "    pmovmskb %xmm0, %eax\n"                                                                                      \
    "    cmpl $0xFFFF, %eax\n"                                                                                        \
    "    je 1f\n"                                                                                                     \
    "    orl $1 << (" #N "+2), %edx\n"                                                                                \
    "1:\n"
#define EACH_GENERAL(Do)                                                                                              \
    Do(rbx, 0x1) Do(rbp, 0x2) Do(rsi, 0x4) Do(rdi, 0x8) Do(r12, 0x10) Do(r13, 0x20) Do(r14, 0x40) Do(r15, 0x80)
#define PUSH(Register, Bit) "    pushq %" #Register "\n    .seh_pushreg %" #Register "\n"
#define SET(Register, Bit) "    movq $0x2000+" #Bit ", %" #Register "\n"
#define RUIN(Register, Bit) "    movq $-1, %" #Register "\n"
#define COMPARE(Register, Bit)                                                                                        \
    "    cmpq $0x2000+" #Bit ", %" #Register "\n"                                                                     \
    "    je 1f\n"                                                                                                     \
    "    orl $" #Bit ", %edx\n"                                                                                       \
    "1:\n"
#define POP_ALL                                                                                                       \
    "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rdi\n    popq %rsi\n    popq %rbp\n"       \
    "    popq %rbx\n    ret\n"

/* Eight registers and the return address leave the stack aligned but for 8 bytes. */
#define ENTER(Name)                                                                                                   \
    ".text\n.globl " #Name "\n.def " #Name "; .scl 2; .type 32; .endef\n.seh_proc " #Name "\n" #Name ":\n"             \
    EACH_GENERAL(PUSH) "    subq $32+160+8, %rsp\n    .seh_stackalloc 32+160+8\n" EACH_XMM(SAVE_XMM)                   \
    "    .seh_endprologue\n"

__asm__(ENTER(CallWithRegisters)
        EACH_GENERAL(SET) EACH_XMM(SET_XMM)
        "    call *%rcx\n"
        "    xorl %edx, %edx\n"
        EACH_GENERAL(COMPARE) EACH_XMM(COMPARE_XMM)
        "    movl %edx, %eax\n"
        EACH_XMM(LOAD_XMM)
        "    addq $32+160+8, %rsp\n"
        POP_ALL
        "    .seh_endproc\n"
        ENTER(FaultWithOthers)
        EACH_GENERAL(RUIN) EACH_XMM(RUIN_XMM)
        "    xorl %eax, %eax\n"
        "    movl (%rax), %eax\n"
        EACH_XMM(LOAD_XMM)
        "    addq $32+160+8, %rsp\n"
        POP_ALL
        "    .seh_endproc\n");

ULONG NTAPI CallWithRegisters(VOID(NTAPI *Routine)(VOID));
VOID NTAPI FaultWithOthers(VOID);

/* What the context of a fault tells of the registers before the frames that saved them are unwound. */
FILTER(LookingAtRuins)
{
    PCONTEXT Context = Pointers->ContextRecord;

    UNUSED(Frame);
    TellException("filter", Pointers->ExceptionRecord);
    EVENT("rbx=%I64x r15=%I64x xmm6=%I64x xmm15=%I64x", Context->Rbx, Context->R15, Context->Xmm6.Low,
          Context->Xmm15.Low);
    return SETTLE;
}

static VOID SCOPED NTAPI TakeFault(VOID)
{
    TRY_EXCEPT(TakeFault, FaultWithOthers(), LookingAtRuins, EVENT("handler"));
}

static VOID CheckRegisters(VOID)
{
    EVENT("changed=%x", CallWithRegisters(TakeFault));
}

/* ---- Resuming at a fault. */

static volatile ULONG Answer = 42;

FILTER(Repairing)
{
    UNUSED(Frame);
    TellException("filter", Pointers->ExceptionRecord);
    Pointers->ContextRecord->Rcx = (ULONG64)(ULONG_PTR)&Answer;
    return RESUME;
}

static VOID SCOPED Repair(VOID)
{
    TRY_EXCEPT(Repair, EVENT("value=%u", AccessBegin(NULL)), Repairing, EVENT("wrong-handler"));
    EVENT("after");
}

/* ---- Through the machine and back. */

static NTSTATUS NTAPI RaisingQuery(PWSTR Name, ULONG Type, PVOID Data, ULONG Length, PVOID Context, PVOID EntryContext)
{
    UNUSED(Name);
    UNUSED(Type);
    UNUSED(Data);
    UNUSED(Length);
    UNUSED(Context);
    UNUSED(EntryContext);
    EndByException(CODE_A);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI QuietQuery(PWSTR Name, ULONG Type, PVOID Data, ULONG Length, PVOID Context, PVOID EntryContext)
{
    UNUSED(Name);
    UNUSED(Type);
    UNUSED(Data);
    UNUSED(Length);
    UNUSED(Context);
    UNUSED(EntryContext);
    RaiseAndTake();
    return STATUS_SUCCESS;
}

static VOID NOINLINE Query(PRTL_QUERY_REGISTRY_ROUTINE Routine)
{
    RTL_QUERY_REGISTRY_TABLE Table[2];
    NTSTATUS Status;

    RtlZeroMemory(Table, sizeof(Table));
    Table[0].QueryRoutine = Routine;
    Table[0].Flags = RTL_QUERY_REGISTRY_NOVALUE;
    Status = RtlQueryRegistryValues(RTL_REGISTRY_CONTROL, NULL, Table, NULL, NULL);
    EVENT("status=%x", Status);
}

static VOID SCOPED TakeFromQuery(VOID)
{
    TRY_FINALLY_EXCEPT(TakeFromQuery, Query(RaisingQuery), EndingMiddle, Taking, EVENT("handler"));
    EVENT("after");
}

static LOOKASIDE_LIST_EX List;

static PVOID NTAPI RaisingAllocate(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag, PLOOKASIDE_LIST_EX Lookaside)
{
    UNUSED(PoolType);
    UNUSED(NumberOfBytes);
    UNUSED(Tag);
    UNUSED(Lookaside);
    EVENT("allocate");
    Raise(STATUS_INSUFFICIENT_RESOURCES);
    return NULL;
}

static VOID NTAPI FreeEntry(PVOID Entry, PLOOKASIDE_LIST_EX Lookaside)
{
    UNUSED(Lookaside);
    ExFreePoolWithTag(Entry, TAG);
}

/* A query whose routine allocates from a list whose routine raises: two passages through the machine. */
static NTSTATUS NTAPI AllocatingQuery(PWSTR Name, ULONG Type, PVOID Data, ULONG Length, PVOID Context,
                                      PVOID EntryContext)
{
    PVOID Entry;

    UNUSED(Name);
    UNUSED(Type);
    UNUSED(Data);
    UNUSED(Length);
    UNUSED(Context);
    UNUSED(EntryContext);
    Entry = ExAllocateFromLookasideListEx(&List);
    EVENT("entry=%p", Entry);
    return STATUS_SUCCESS;
}

static VOID SCOPED TakeFromList(VOID)
{
    TRY_EXCEPT(TakeFromList, Query(AllocatingQuery), Taking, EVENT("handler"));
    EVENT("after");
}

/* ---- What no handler may see. */

static VOID SCOPED TakeRaiseAtDispatch(VOID)
{
    KIRQL Old = KfRaiseIrql(DISPATCH_LEVEL);

    TRY_EXCEPT(TakeRaiseAtDispatch, Body(CODE_A), Taking, EVENT("handler"));
    KeLowerIrql(Old);
}

static VOID SCOPED TakeFaultAtDispatch(VOID)
{
    KIRQL Old = KfRaiseIrql(DISPATCH_LEVEL);

    TRY_EXCEPT(TakeFaultAtDispatch, AccessBegin(NULL), Taking, EVENT("handler"));
    KeLowerIrql(Old);
}

/* Nobody takes these; the ending is not reached, since nothing is unwound. */
static VOID SCOPED LeaveUntaken(NTSTATUS Code)
{
    TRY_FINALLY(LeaveUntaken, PassOn(Code), Ending);
}

static VOID SCOPED LeaveFaultUntaken(VOID)
{
    TRY_FINALLY(LeaveFaultUntaken, StoreBegin((PVOID)0x10010), Ending);
}

static VOID Observe(VOID)
{
    ULONG Round;

    CASE("taken", Take());
    CASE("always", TakeAlways());
    CASE("nothing", TakeNothing());
    CASE("passed", TakeFromCallee());
    CASE("resumed", Resume());
    CASE("noncontinuable", ResumeNoncontinuable());
    CASE("seen-fault", LookAtFault());
    CASE("seen-raise", LookAtRaise());
    CASE("finally-normal", EndNormally());
    CASE("finally-exception", TakeBehindEnding());
    CASE("nested-finally", NestInOne());
    CASE("nested-filters", NestFilters());
    CASE("nested-taken", NestTaken());
    CASE("raise-in-handler", RaiseInHandler());
    CASE("nested-functions", NestFunctions());
    CASE("raise-in-filter", RaiseInFilter());
    CASE("take-in-filter", TakeInFilter());
    CASE("collided", Collide());
    CASE("collided-inner", TakeCollision());
    CASE("collided-short", CollideShort());
    CASE("take-in-finally", TakeInEnding());
    CASE("below-array", TakeBelowArray());
    CASE("deep", TakeFromDeep());
    CASE("registers", CheckRegisters());
    CASE("repaired", Repair());
    CASE("query", TakeFromQuery());
    CASE("query-again", Query(QuietQuery));
    ExInitializeLookasideListEx(&List, RaisingAllocate, FreeEntry, PagedPool, 0, 64, TAG, 0);
    CASE("list", TakeFromList());
    ExDeleteLookasideListEx(&List);
    CASE("rounds", for (Round = 0; Round < 3; Round++) { TakeAgain(); });
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"raise-at-dispatch")) {
        CASE("raise-at-dispatch", TakeRaiseAtDispatch());
    } else if (IsNamed(RegistryPath, L"fault-at-dispatch")) {
        CASE("fault-at-dispatch", TakeFaultAtDispatch());
    } else if (IsNamed(RegistryPath, L"untaken")) {
        CASE("untaken", LeaveUntaken(CODE_A));
    } else if (IsNamed(RegistryPath, L"untaken-fault")) {
        CASE("untaken-fault", LeaveFaultUntaken());
    } else {
        Observe();
    }
    return STATUS_SUCCESS;
}
