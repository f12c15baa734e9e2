/* Timers. */
#include "rows.h"

static KTIMER Timer;
static KDPC Dpc;
static volatile LONG Calls;
static ULONGLONG CalledAt;
static KIRQL CalledAtLevel;
static volatile LONG InCall;
static LONG MostInCall;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    if (DriverObject->DeviceObject != NULL) {
        IoDeleteDevice(DriverObject->DeviceObject);
    }
}

static VOID Wait(ULONG Milliseconds)
{
    LARGE_INTEGER Delay;

    Delay.QuadPart = -10000LL * Milliseconds;
    KeDelayExecutionThread(KernelMode, FALSE, &Delay);
}

static VOID NTAPI TimerDpc(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(First);
    UNUSED(Second);
    if (Object == &Dpc && Context == (PVOID)7) {
        CalledAt = KeQueryInterruptTime();
        CalledAtLevel = KeGetCurrentIrql();
        Calls++;
    }
}

/* Takes longer than it is to the next expiry. */
static VOID NTAPI SlowDpc(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    LONG Now = __sync_add_and_fetch(&InCall, 1);
    ULONG Turn;

    UNUSED(Object);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
    Calls++;
    if (Now > MostInCall) {
        MostInCall = Now;
    }
    for (Turn = 0; Turn < 200; Turn++) {
        KeStallExecutionProcessor(50);
    }
    __sync_sub_and_fetch(&InCall, 1);
}

/* Waits for an expired timer twice: whom it lets go, and its state in the end. */
static VOID CheckWaits(const char *Name, TIMER_TYPE Type)
{
    LARGE_INTEGER Due;
    NTSTATUS First, Second;
    LONG Expired, Then, Again;

    KeInitializeTimerEx(&Timer, Type);
    Due.QuadPart = -10000;
    KeSetTimer(&Timer, Due, NULL);
    Wait(2);
    Expired = KeReadStateTimer(&Timer);
    Due.QuadPart = 0;
    First = KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, &Due);
    Second = KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, &Due);
    Then = KeReadStateTimer(&Timer);
    Due.QuadPart = -10000;
    KeSetTimer(&Timer, Due, NULL);
    Again = KeReadStateTimer(&Timer);
    DbgPrint("%s: expired=%d waits=%x,%x then=%d set=%d\n", Name, Expired, First, Second, Then, Again);
    KeCancelTimer(&Timer);
}

static VOID OneShot(VOID)
{
    LARGE_INTEGER Due;
    ULONGLONG Start;
    BOOLEAN First, Again, Cancelled, Late;

    KeInitializeTimer(&Timer);
    KeInitializeDpc(&Dpc, TimerDpc, (PVOID)7);
    DbgPrint("header: type=%u size=%u\n", Timer.Header.Type, Timer.Header.Size * 4);
    Due.QuadPart = -10000;
    Start = KeQueryInterruptTime();
    First = KeSetTimer(&Timer, Due, &Dpc);
    Due.QuadPart = -50000;
    Again = KeSetTimer(&Timer, Due, &Dpc);
    DbgPrint("set: first=%u again=%u state=%u\n", First, Again, KeReadStateTimer(&Timer));
    Wait(20);
    DbgPrint("expired: calls=%d late=%u level=%u state=%u shown=%u\n", Calls, CalledAt - Start >= 50000,
             CalledAtLevel, KeReadStateTimer(&Timer), Timer.Header.SignalState);
    Late = KeCancelTimer(&Timer);
    DbgPrint("cancel-expired: %u\n", Late);
    KeSetTimer(&Timer, Due, &Dpc);
    Cancelled = KeCancelTimer(&Timer);
    Wait(20);
    DbgPrint("cancel: %u again=%u calls=%d\n", Cancelled, KeCancelTimer(&Timer), Calls);
    /* Without its call. */
    KeSetTimer(&Timer, Due, &Dpc);
    Again = KeSetTimer(&Timer, Due, NULL);
    Wait(20);
    DbgPrint("no-dpc: again=%u calls=%d state=%u\n", Again, Calls, KeReadStateTimer(&Timer));
    /* An absolute time, and one that has passed. */
    KeQuerySystemTime(&Due);
    Due.QuadPart += 30000;
    KeSetTimer(&Timer, Due, &Dpc);
    DbgPrint("absolute-before: %u\n", KeReadStateTimer(&Timer));
    Wait(5);
    DbgPrint("absolute: calls=%d state=%u\n", Calls, KeReadStateTimer(&Timer));
}

static VOID Periodic(VOID)
{
    LARGE_INTEGER Due;
    BOOLEAN Cancelled;
    LONG Then;

    Calls = 0;
    KeInitializeTimerEx(&Timer, SynchronizationTimer);
    DbgPrint("synchronization: type=%u\n", Timer.Header.Type);
    Due.QuadPart = -10000;
    KeSetTimerEx(&Timer, Due, 10, &Dpc);
    Wait(35);
    DbgPrint("periodic: calls=%d\n", Calls);
    Cancelled = KeCancelTimer(&Timer);
    Then = Calls;
    Wait(35);
    DbgPrint("periodic-cancel: %u calls=%d again=%u\n", Cancelled, Calls - Then, KeCancelTimer(&Timer));
    KeSetCoalescableTimer(&Timer, Due, 0, 32, &Dpc);
    Wait(40);
    DbgPrint("coalescable: calls=%d\n", Calls - Then);
}

/* A periodic timer is set on one processor after the other, while its call is under way. */
static VOID Overlapping(VOID)
{
    LARGE_INTEGER Due;
    ULONG Turn;

    Calls = 0;
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&Dpc, SlowDpc, NULL);
    Due.QuadPart = -10000;
    for (Turn = 0; Turn < 20; Turn++) {
        KeSetSystemAffinityThread((KAFFINITY)1 << (Turn % 2));
        KeSetTimerEx(&Timer, Due, 20, &Dpc);
        KeRevertToUserAffinityThread();
        Wait(2);
    }
    KeCancelTimer(&Timer);
    KeFlushQueuedDpcs();
    DbgPrint("overlapping: many=%u most=%d in=%d\n", Calls > 5, MostInCall, InCall);
}

static PEX_TIMER Allocated;
static LONG Deleted;

static VOID NTAPI AllocatedCall(PEX_TIMER Object, PVOID Context)
{
    if (Object == Allocated && Context == (PVOID)9) {
        CalledAtLevel = KeGetCurrentIrql();
        Calls++;
    }
}

static VOID NTAPI DeletedCall(PVOID Context)
{
    Deleted += Context == (PVOID)5;
}

static VOID Allocate(VOID)
{
    EXT_DELETE_PARAMETERS Parameters;
    BOOLEAN Set, Again, Cancelled;

    Calls = 0;
    Allocated = ExAllocateTimer(AllocatedCall, (PVOID)9, 0);
    Set = ExSetTimer(Allocated, -10000, 0, NULL);
    Again = ExSetTimer(Allocated, -20000, 100000, NULL);
    Wait(25);
    DbgPrint("allocated: set=%u again=%u calls=%d level=%u\n", Set, Again, Calls, CalledAtLevel);
    Cancelled = ExCancelTimer(Allocated, NULL);
    Again = ExCancelTimer(Allocated, NULL);
    DbgPrint("allocated-cancel: %u again=%u\n", Cancelled, Again);
    ExSetTimer(Allocated, -20000, 0, NULL);
    RtlZeroMemory(&Parameters, sizeof(Parameters));
    Parameters.DeleteCallback = DeletedCall;
    Parameters.DeleteContext = (PVOID)5;
    Cancelled = ExDeleteTimer(Allocated, TRUE, TRUE, &Parameters);
    DbgPrint("allocated-delete: %u deleted=%d\n", Cancelled, Deleted);
}

/* Waits for an allocated timer, from before it expires, and once more. */
static VOID WaitForAllocated(const char *Name, ULONG Attributes)
{
    PEX_TIMER Waited = ExAllocateTimer(NULL, NULL, Attributes);
    LARGE_INTEGER None;
    ULONGLONG Start = KeQueryInterruptTime();
    NTSTATUS First, Second;
    ULONG Type = *(volatile UCHAR *)Waited;

    None.QuadPart = 0;
    ExSetTimer(Waited, -20000, 0, NULL);
    First = KeWaitForSingleObject(Waited, Executive, KernelMode, FALSE, NULL);
    Second = KeWaitForSingleObject(Waited, Executive, KernelMode, FALSE, &None);
    DbgPrint("%s: type=%u waits=%x,%x late=%u\n", Name, Type, First, Second,
             KeQueryInterruptTime() - Start >= 20000);
    ExDeleteTimer(Waited, TRUE, TRUE, NULL);
}

static VOID NTAPI SlowCall(PEX_TIMER Object, PVOID Context)
{
    UNUSED(Object);
    SlowDpc(NULL, Context, NULL, NULL);
}

/* Deletes a timer while its routine runs on another processor. */
static VOID DeleteAndWait(VOID)
{
    Allocated = ExAllocateTimer(SlowCall, NULL, 0);
    ExSetTimer(Allocated, -10000, 0, NULL);
    Wait(2);
    ExDeleteTimer(Allocated, TRUE, TRUE, NULL);
    DbgPrint("deleted: calls=%d in=%d\n", Calls, InCall);
}

static VOID NTAPI DeviceTimer(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    if (DeviceObject->DriverObject != NULL && Context == (PVOID)3) {
        CalledAtLevel = KeGetCurrentIrql();
        Calls++;
    }
}

static VOID OfDevice(PDRIVER_OBJECT DriverObject)
{
    PDEVICE_OBJECT DeviceObject;
    NTSTATUS Status;

    Calls = 0;
    IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &DeviceObject);
    Status = IoInitializeTimer(DeviceObject, DeviceTimer, (PVOID)3);
    DbgPrint("device-timer: status=%x shown=%u\n", Status, DeviceObject->Timer != NULL);
    IoStartTimer(DeviceObject);
    Wait(3500);
    IoStopTimer(DeviceObject);
    DbgPrint("device-calls: %d level=%u\n", Calls, CalledAtLevel);
    Wait(3500);
    DbgPrint("device-stopped: %d\n", Calls);
    IoStartTimer(DeviceObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"overlapping")) {
        Overlapping();
    } else if (IsNamed(RegistryPath, L"delete-wait")) {
        DeleteAndWait();
    } else {
        CheckWaits("notification-waits", NotificationTimer);
        CheckWaits("synchronization-waits", SynchronizationTimer);
        OneShot();
        Periodic();
        Allocate();
        WaitForAllocated("allocated-waits", 0);
        WaitForAllocated("allocated-notification-waits", EX_TIMER_NOTIFICATION);
        WaitForAllocated("allocated-precise-waits", EX_TIMER_HIGH_RESOLUTION);
        OfDevice(DriverObject);
    }
    return STATUS_SUCCESS;
}
