/* Spin locks that a thread takes below DISPATCH_LEVEL, by the routines that are for that level and above. */
#include "rows.h"
#include "join.h"

static KSPIN_LOCK Lock;
static KSPIN_LOCK Other;
static KEVENT Taken;
static KEVENT Go;

/* Waits with the lock. */
static VOID NTAPI HoldForLong(PVOID Context)
{
    UNUSED(Context);
    KeAcquireSpinLockAtDpcLevel(&Lock);
    KeSetEvent(&Taken, IO_NO_INCREMENT, FALSE);
    WaitFor(&Go);
    KeReleaseSpinLockFromDpcLevel(&Lock);
    DbgPrint("holder: released\n");
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static KTIMER Timer;
static KDPC Dpc;

static VOID NTAPI DoNothing(PKDPC Self, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Self);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
}

static VOID StartHeartbeat(VOID)
{
    LARGE_INTEGER Due;

    Due.QuadPart = MILLISECONDS(10);
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&Dpc, DoNothing, NULL);
    KeSetTimerEx(&Timer, Due, 1, &Dpc);
}

static VOID NTAPI LetGo(PVOID Context)
{
    UNUSED(Context);
    Sleep(MILLISECONDS(1));
    KeSetEvent(&Go, IO_NO_INCREMENT, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI TakeAnother(PVOID Context)
{
    KIRQL Irql;

    UNUSED(Context);
    KeAcquireSpinLock(&Other, &Irql);
    KeReleaseSpinLock(&Other, Irql);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Holder;
    PVOID Setter = NULL;
    KIRQL Irql;

    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Lock);
    KeInitializeSpinLock(&Other);
    KeInitializeEvent(&Taken, NotificationEvent, FALSE);
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    Holder = StartThread(HoldForLong, NULL);
    WaitFor(&Taken);
    if (IsNamed(RegistryPath, L"beside-a-heartbeat")) {
        StartHeartbeat();
    } else if (!IsNamed(RegistryPath, L"for-ever")) {
        Setter = StartThread(LetGo, NULL);
    }
    if (IsNamed(RegistryPath, L"another-thread-ends")) {
        /* It runs on the processor of the holder, and has taken no lock when it ends. */
        JoinThread(StartThread(TakeAnother, NULL));
    } else if (IsNamed(RegistryPath, L"both-low") || Setter == NULL) {
        KeAcquireSpinLockAtDpcLevel(&Lock);
        DbgPrint("second: taken\n");
        KeReleaseSpinLockFromDpcLevel(&Lock);
    } else {
        KeAcquireSpinLock(&Lock, &Irql);
        DbgPrint("second: taken\n");
        KeReleaseSpinLock(&Lock, Irql);
    }
    JoinThread(Setter);
    JoinThread(Holder);
    return STATUS_SUCCESS;
}
