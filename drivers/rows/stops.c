/* Stops: called for, made by traps and fast fails, and by lists whose links disagree. */
#include "rows.h"
#include "seh.h"

static LIST_ENTRY Head;
static LIST_ENTRY Entries[3];
static KSPIN_LOCK SpinLock;
static KDPC Dpc;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static VOID NOINLINE Stop(VOID)
{
    KeBugCheckEx(0xDEAD, 1, 2, 3, 4);
}

static VOID StopAt(KIRQL Level)
{
    KIRQL Old = KfRaiseIrql(Level);

    Stop();
    KeLowerIrql(Old);
    DbgPrint("came-back: 1\n");
}

static VOID NTAPI StopInDpc(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Object);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
    Stop();
    DbgPrint("came-back: 1\n");
}

static EXCEPTION_RECORD Record;
static volatile ULONG Zero;

/* Raises an exception with parameters. */
static VOID NOINLINE Raise(VOID)
{
    Record.ExceptionCode = (NTSTATUS)0xE0000001;
    Record.NumberParameters = 2;
    Record.ExceptionInformation[0] = 0x1234;
    Record.ExceptionInformation[1] = 0x5678;
    RtlRaiseException(&Record);
    DbgPrint("came-back: 1\n");
}

static VOID NOINLINE Divide(VOID)
{
    Zero = 1000 / Zero;
    DbgPrint("came-back: 1\n");
}

static VOID NTAPI RunInDpc(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Object);
    UNUSED(First);
    UNUSED(Second);
    ((VOID(*)(VOID))(ULONG_PTR)Context)();
}

static VOID RunCall(VOID (*Routine)(VOID))
{
    KeInitializeDpc(&Dpc, RunInDpc, (PVOID)(ULONG_PTR)Routine);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
}

static VOID RunRaised(VOID (*Routine)(VOID))
{
    KIRQL Old = KfRaiseIrql(DISPATCH_LEVEL);

    Routine();
    KeLowerIrql(Old);
}

FILTER(Showing)
{
    UNUSED(Frame);
    DbgPrint("shown: %p %p\n", Pointers->ExceptionRecord, Pointers->ContextRecord);
    return EXCEPTION_CONTINUE_SEARCH;
}

static VOID SCOPED RunShown(VOID)
{
    TRY_EXCEPT(Showing, Divide(), Showing, DbgPrint("came-back: 1\n"));
}

/* A list of two entries. */
static VOID PrepareList(VOID)
{
    InitializeListHead(&Head);
    KeInitializeSpinLock(&SpinLock);
    ExInterlockedInsertTailList(&Head, &Entries[0], &SpinLock);
    ExInterlockedInsertTailList(&Head, &Entries[1], &SpinLock);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    DbgPrint("places: %p %p %p\n", Raise, Divide, &Record);
    if (IsNamed(RegistryPath, L"at-passive")) {
        StopAt(PASSIVE_LEVEL);
    } else if (IsNamed(RegistryPath, L"at-apc")) {
        StopAt(APC_LEVEL);
    } else if (IsNamed(RegistryPath, L"at-dispatch")) {
        StopAt(DISPATCH_LEVEL);
    } else if (IsNamed(RegistryPath, L"at-high")) {
        StopAt(HIGH_LEVEL);
    } else if (IsNamed(RegistryPath, L"in-dpc")) {
        KeInitializeDpc(&Dpc, StopInDpc, NULL);
        KeInsertQueueDpc(&Dpc, NULL, NULL);
        KeFlushQueuedDpcs();
    } else if (IsNamed(RegistryPath, L"raise-in-dpc")) {
        RunCall(Raise);
    } else if (IsNamed(RegistryPath, L"divide-in-dpc")) {
        RunCall(Divide);
    } else if (IsNamed(RegistryPath, L"raise-at-dispatch-in-thread")) {
        RunRaised(Raise);
    } else if (IsNamed(RegistryPath, L"divide-at-dispatch-in-thread")) {
        RunRaised(Divide);
    } else if (IsNamed(RegistryPath, L"divide-shown")) {
        RunShown();
    } else if (IsNamed(RegistryPath, L"divide-shown-at-dispatch")) {
        RunRaised(RunShown);
    } else if (IsNamed(RegistryPath, L"cookie")) {
        /* What the support of older kits does when a function finds another cookie than the module's. */
        KeBugCheckEx(0xF7, 0x1234, 0x5678, ~(ULONG_PTR)0x5678, 0);
    } else if (IsNamed(RegistryPath, L"kernel-exception")) {
        KeBugCheckEx(0x1E, 0xFFFFFFFFC0000005, 0x1111, 1, 0x18);
    } else if (IsNamed(RegistryPath, L"service-exception")) {
        KeBugCheckEx(0x3B, 0xC0000005, 0x1111, 0x2222, 0);
    } else if (IsNamed(RegistryPath, L"thread-exception")) {
        KeBugCheckEx(0x7E, 0xFFFFFFFFC0000005, 0x1111, 0x2222, 0x3333);
    } else if (IsNamed(RegistryPath, L"older-exception")) {
        KeBugCheckEx(0x8E, 0xFFFFFFFFC0000005, 0x1111, 0x2222, 0);
    } else if (IsNamed(RegistryPath, L"trap")) {
        __asm__ volatile("int $0x55");
    } else if (IsNamed(RegistryPath, L"incorrect-stack")) {
        __asm__ volatile("int $0x29" : : "c"(4) : "memory");
    } else if (IsNamed(RegistryPath, L"inserts-at-head")) {
        PrepareList();
        Entries[0].Blink = &Entries[1];
        ExInterlockedInsertHeadList(&Head, &Entries[2], &SpinLock); HERE();
    } else if (IsNamed(RegistryPath, L"inserts-at-tail")) {
        PrepareList();
        Entries[1].Flink = &Entries[0];
        ExInterlockedInsertTailList(&Head, &Entries[2], &SpinLock); HERE();
    } else if (IsNamed(RegistryPath, L"removes-first")) {
        PrepareList();
        Entries[0].Blink = &Entries[1];
        ExInterlockedRemoveHeadList(&Head, &SpinLock); HERE();
    } else if (IsNamed(RegistryPath, L"removes-twice")) {
        PrepareList();
        ExInterlockedRemoveHeadList(&Head, &SpinLock);
        /* The entry comes first again without being in the list. */
        Head.Flink = &Entries[0];
        Entries[0].Blink = &Head;
        ExInterlockedRemoveHeadList(&Head, &SpinLock); HERE();
    }
    return STATUS_SUCCESS;
}
