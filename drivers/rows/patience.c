/* Drivers that wait in unusual ways: by polling, by loops that call nobody, in calls within calls. */
#include "rows.h"
#include "join.h"

static KEVENT Event;
static KTIMER Timer;
static KDPC Dpc;
static volatile LONG Asked;
static volatile LONG Answered;
static volatile LONG Counted;
static ULONG Depth;
static ULONG Deepest;

static VOID NTAPI SetIt(PKDPC Self, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Self);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
}

static VOID NTAPI DoNothing(PKDPC Self, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Self);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
}

static VOID StartTimer(PKDEFERRED_ROUTINE Routine, LONG Period)
{
    LARGE_INTEGER Due;

    Due.QuadPart = MILLISECONDS(10);
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&Dpc, Routine, NULL);
    KeSetTimerEx(&Timer, Due, Period, &Dpc);
}

static VOID NTAPI Answer(PVOID Context)
{
    UNUSED(Context);
    for (LONG Round = 1; Round <= 4; Round++) {
        while (Asked != Round) {
        }
        Answered = Round;
    }
}

static VOID NTAPI WaitForIt(PVOID Context)
{
    UNUSED(Context);
    WaitFor(&Event);
}

static VOID NTAPI Nest(PVOID Parameter)
{
    Depth++;
    Deepest = Depth > Deepest ? Depth : Deepest;
    if (Depth < 100) {
        KeExpandKernelStackAndCallout(Nest, Parameter, 0x20);
    }
    Depth--;
}

static VOID NTAPI NestFromThread(PVOID Context)
{
    UNUSED(Context);
    KeExpandKernelStackAndCallout(Nest, NULL, 0x20);
    DbgPrint("nested: deepest=%u\n", Deepest);
}

static volatile LONG64 *InterruptTime(VOID)
{
    volatile LONG64 *Time = (volatile LONG64 *)0xFFFFF78000000008ULL;

    HIDE(Time);
    return Time;
}

static volatile LONG HasRun;

static VOID NTAPI Run(PVOID Context)
{
    UNUSED(Context);
    HasRun = 1;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Counts until another thread has run, while all of a vector register and a register of the older unit are in use. */
static VOID HoldRegisters(VOID)
{
    PVOID Thread = StartThread(Run, NULL);
    ULONG64 In[4] = { 1, 2, 3, 4 };
    ULONG64 Out[4];
    ULONG64 Rounds = 0;
    double Pi;

    __asm__ volatile("vmovdqu %4, %%ymm7; fninit; fldpi; 1: incq %2; cmpl $0, %3; je 1b; vmovdqu %%ymm7, %0; vzeroupper; fstpl %1"
                     : "=m"(Out), "=m"(Pi), "+r"(Rounds)
                     : "m"(HasRun), "m"(In)
                     : "xmm7", "memory");
    DbgPrint("registers: %I64u %I64u %I64u %I64u %I64x\n", Out[0], Out[1], Out[2], Out[3], *(ULONG64 *)&Pi);
    DbgPrint("rounds: %s\n", Rounds > 1000000 ? "many" : "few");
    JoinThread(Thread);
}

static VOID Observe(VOID)
{
    PVOID Thread;
    LONG64 Begin;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    StartTimer(SetIt, 0);
    while (KeReadStateEvent(&Event) == 0) {
    }
    DbgPrint("polled: set\n");
    Begin = *InterruptTime();
    while (*InterruptTime() - Begin < 10000) {
    }
    DbgPrint("clock: passed\n");
    Thread = StartThread(Answer, NULL);
    for (LONG Round = 1; Round <= 4; Round++) {
        Asked = Round;
        while (Answered != Round) {
        }
    }
    JoinThread(Thread);
    DbgPrint("hand-over: %d\n", (int)Answered);
    KeResetEvent(&Event);
    Thread = StartThread(WaitForIt, NULL);
    __asm__ volatile("1: incl %0; cmpl $100000000, %0; jb 1b" : "+m"(Counted) : : "cc");
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    JoinThread(Thread);
    DbgPrint("counted: %d\n", (int)Counted);
    JoinThread(StartThread(NestFromThread, NULL));
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"beside-a-heartbeat")) {
        KeInitializeEvent(&Event, NotificationEvent, FALSE);
        StartTimer(DoNothing, 1);
        WaitFor(&Event); HERE();
    } else if (IsNamed(RegistryPath, L"working-for-long")) {
        HoldRegisters();
    } else {
        Observe();
    }
    return STATUS_SUCCESS;
}
