/* Events: what their routines return, whom they let go, and events with a name. */
#include "join.h"
#include "rows.h"

static KEVENT Event;
static KEVENT Arrived[2];
static volatile LONG Released;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static VOID NTAPI WaitOnce(PVOID Context)
{
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    WaitFor(&Event);
    __atomic_fetch_add(&Released, 1, __ATOMIC_SEQ_CST);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Two threads wait for an event that is set once; the thread that is left is let go at the end. */
static VOID CheckRelease(const char *Name, EVENT_TYPE Type)
{
    PVOID Threads[2];
    LONG AfterOne;
    LONG State;
    ULONG Index;

    Released = 0;
    KeInitializeEvent(&Event, Type, FALSE);
    for (Index = 0; Index < 2; Index++) {
        KeInitializeEvent(&Arrived[Index], NotificationEvent, FALSE);
        Threads[Index] = StartThread(WaitOnce, &Arrived[Index]);
        WaitFor(&Arrived[Index]);
    }
    Sleep(MILLISECONDS(10));
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    Sleep(MILLISECONDS(10));
    AfterOne = Released;
    State = KeReadStateEvent(&Event);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    JoinThread(Threads[0]);
    JoinThread(Threads[1]);
    DbgPrint("%s: released=%d state=%d in-the-end=%d\n", Name, AfterOne, State, Released);
}

static VOID CheckStates(VOID)
{
    LONG Before[4];
    LONG After;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Before[0] = KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    Before[1] = KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    Before[2] = KeResetEvent(&Event);
    Before[3] = KeResetEvent(&Event);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    KeClearEvent(&Event);
    After = KeReadStateEvent(&Event);
    DbgPrint("states: set=%d,%d reset=%d,%d cleared=%d\n", Before[0] != 0, Before[1] != 0, Before[2] != 0,
             Before[3] != 0, After);
    KePulseEvent(&Event, IO_NO_INCREMENT, FALSE);
    DbgPrint("pulsed: state=%d\n", KeReadStateEvent(&Event));
}

static VOID CheckMemory(VOID)
{
    KEVENT Local;

    KeInitializeEvent(&Local, SynchronizationEvent, TRUE);
    DbgPrint("memory: type=%u size=%u signal=%d list=%d\n", Local.Header.Type, Local.Header.Size * 4U,
             Local.Header.SignalState, Local.Header.WaitListHead.Flink == &Local.Header.WaitListHead);
    WaitFor(&Local);
    DbgPrint("memory-after: signal=%d\n", Local.Header.SignalState);
}

static VOID CheckAnnouncedWait(VOID)
{
    LARGE_INTEGER Timeout;
    KIRQL Raised;
    KIRQL Back;

    Timeout.QuadPart = MILLISECONDS(1);
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Arrived[0], SynchronizationEvent, FALSE);
    KeSetEvent(&Event, IO_NO_INCREMENT, TRUE);
    Raised = ReadCr8();
    KeWaitForSingleObject(&Arrived[0], Executive, KernelMode, FALSE, &Timeout);
    Back = ReadCr8();
    DbgPrint("announced: irql=%u then=%u state=%d\n", Raised, Back, KeReadStateEvent(&Event));
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    DbgPrint("not-announced: irql=%u\n", ReadCr8());
}

static VOID CheckNamed(VOID)
{
    UNICODE_STRING Name;
    PKEVENT First;
    PKEVENT Second;
    HANDLE Handles[2];
    NTSTATUS Closed[2];
    LONG State;

    RtlInitUnicodeString(&Name, L"\\BaseNamedObjects\\RowsEvent");
    First = IoCreateNotificationEvent(&Name, &Handles[0]);
    State = KeReadStateEvent(First);
    KeClearEvent(First);
    Second = IoCreateSynchronizationEvent(&Name, &Handles[1]);
    DbgPrint("named: signalled=%d same=%d handles=%d\n", State, First == Second, Handles[0] != Handles[1]);
    Closed[0] = ZwClose(Handles[0]);
    State = KeReadStateEvent(First);
    Closed[1] = ZwClose(Handles[1]);
    DbgPrint("named-closed: first=%x state=%d second=%x\n", Closed[0], State, Closed[1]);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"overwritten")) {
        KeInitializeEvent(&Event, NotificationEvent, FALSE);
        Event.Header.Type = 5;
        KeSetEvent(&Event, IO_NO_INCREMENT, FALSE); HERE();
    } else if (IsNamed(RegistryPath, L"set-above-dispatch")) {
        KIRQL Old = KfRaiseIrql(DISPATCH_LEVEL);

        KeInitializeEvent(&Event, NotificationEvent, FALSE);
        KeSetEvent(&Event, IO_NO_INCREMENT, FALSE); HERE();
        KfRaiseIrql(5);
        KeSetEvent(&Event, IO_NO_INCREMENT, FALSE); HERE();
        KeLowerIrql(DISPATCH_LEVEL);
        KeLowerIrql(Old);
    } else {
        CheckRelease("notification", NotificationEvent);
        CheckRelease("synchronization", SynchronizationEvent);
        CheckStates();
        CheckMemory();
        CheckAnnouncedWait();
        CheckNamed();
    }
    return STATUS_SUCCESS;
}
