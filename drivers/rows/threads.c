/* System threads: how they are made, found, waited for and ended. */
#include "join.h"
#include "rows.h"

static KMUTEX Mutex;
static KEVENT Event;
static PVOID Seen;
static volatile LONG CameBack;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static VOID NTAPI Look(PVOID Context)
{
    Seen = KeGetCurrentThread();
    DbgPrint("inside: context=%d irql=%u system=%d process=%d number=%d same=%d\n", (int)(ULONG_PTR)Context,
             KeGetCurrentIrql(), PsIsSystemThread(PsGetCurrentThread()), (int)(ULONG_PTR)PsGetCurrentProcessId(),
             PsGetThreadId(PsGetCurrentThread()) == PsGetCurrentThreadId(), Seen == (PVOID)PsGetCurrentThread());
    PsTerminateSystemThread(STATUS_UNSUCCESSFUL);
    CameBack = 1;
}

static VOID NTAPI ReturnAtOnce(PVOID Context)
{
    UNUSED(Context);
}

static VOID CheckLife(VOID)
{
    HANDLE Handle;
    CLIENT_ID Numbers;
    PVOID Thread;
    PVOID Other;
    PETHREAD Found;
    NTSTATUS Statuses[6];
    LONG_PTR Count;

    Statuses[0] = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, &Numbers, Look, (PVOID)42);
    Statuses[1] =
        ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &Thread, NULL);
    Statuses[2] = ObReferenceObjectByHandle(Handle, EVENT_ALL_ACCESS, *ExEventObjectType, KernelMode, &Other, NULL);
    Statuses[3] = PsLookupThreadByThreadId(Numbers.UniqueThread, &Found);
    Statuses[4] = PsLookupThreadByThreadId((HANDLE)0x7FFFFFFC, &Found);
    Statuses[5] = ZwWaitForSingleObject(Handle, FALSE, NULL);
    DbgPrint("created: status=%x by-handle=%x other-type=%x\n", Statuses[0], Statuses[1], Statuses[2]);
    DbgPrint("found: status=%x same=%d none=%x\n", Statuses[3], (PVOID)Found == Thread, Statuses[4]);
    DbgPrint("ended: wait=%x by-handle=%x same=%d came-back=%d\n", WaitFor(Thread), Statuses[5], Seen == Thread,
             CameBack);
    DbgPrint("process: client=%d\n", (int)(ULONG_PTR)Numbers.UniqueProcess);
    Count = ObDereferenceObject(Found);
    DbgPrint("references: left=%d\n", (int)Count);
    DbgPrint("closed: first=%x\n", ZwClose(Handle));
    ObDereferenceObject(Thread);
}

static VOID CheckReturn(VOID)
{
    PVOID Thread = StartThread(ReturnAtOnce, NULL);

    DbgPrint("returned: wait=%x\n", WaitFor(Thread));
    ObDereferenceObject(Thread);
}

static VOID CheckPriority(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KPRIORITY First = KeQueryPriorityThread(Thread);
    KPRIORITY Before = KeSetPriorityThread(Thread, LOW_REALTIME_PRIORITY);
    KPRIORITY Now = KeQueryPriorityThread(Thread);

    KeSetPriorityThread(Thread, First);
    DbgPrint("priority: first=%d before=%d now=%d\n", First == Before, Before, Now);
    DbgPrint("increment: first=%d then=%d\n", KeSetBasePriorityThread(Thread, 2), KeSetBasePriorityThread(Thread, 0));
}

static VOID NTAPI EndInRegions(PVOID Context)
{
    UNUSED(Context);
    KeEnterCriticalRegion();
    KeEnterCriticalRegion();
    KeEnterGuardedRegion();
    PsTerminateSystemThread(STATUS_SUCCESS); HERE();
}

static VOID NTAPI EndOwningMutex(PVOID Context)
{
    UNUSED(Context);
    WaitFor(&Mutex);
    DbgPrint("owner: thread=%p mutex=%p\n", KeGetCurrentThread(), &Mutex);
}

static VOID NTAPI WaitForEver(PVOID Context)
{
    UNUSED(Context);
    WaitFor(&Event);
}

static VOID NTAPI SleepLong(PVOID Context)
{
    UNUSED(Context);
    Sleep(MILLISECONDS(1500));
}

static VOID NTAPI Overflow(PVOID Context)
{
    volatile UCHAR Array[0x8000];

    UNUSED(Context);
    Array[0] = 1;
    USE_ALL(Array);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Thread;
    KIRQL Old;

    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"ends-in-regions")) {
        JoinThread(StartThread(EndInRegions, NULL));
    } else if (IsNamed(RegistryPath, L"ends-owning-mutex")) {
        KeInitializeMutex(&Mutex, 0);
        JoinThread(StartThread(EndOwningMutex, NULL));
    } else if (IsNamed(RegistryPath, L"overflow")) {
        JoinThread(StartThread(Overflow, NULL));
    } else if (IsNamed(RegistryPath, L"returns-in-region")) {
        DbgPrint("entry: %p\n", DriverObject->DriverInit);
        KeEnterCriticalRegion();
    } else if (IsNamed(RegistryPath, L"joins-for-ever")) {
        KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
        JoinThread(StartThread(WaitForEver, NULL));
    } else if (IsNamed(RegistryPath, L"leaves-waiting")) {
        KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
        ObDereferenceObject(StartThread(WaitForEver, NULL));
    } else if (IsNamed(RegistryPath, L"leaves-sleeping")) {
        ObDereferenceObject(StartThread(SleepLong, NULL));
    } else if (IsNamed(RegistryPath, L"created-at-apc")) {
        Old = KfRaiseIrql(APC_LEVEL);
        Thread = StartThread(ReturnAtOnce, NULL); HERE();
        KeLowerIrql(Old);
        JoinThread(Thread);
    } else if (IsNamed(RegistryPath, L"over-dereferenced")) {
        Thread = StartThread(ReturnAtOnce, NULL);
        DbgPrint("objects: type=%p thread=%p\n", *PsThreadType, Thread);
        WaitFor(Thread);
        ObReferenceObject(KeGetCurrentThread());
        ObDereferenceObject(KeGetCurrentThread());
        ObDereferenceObject(KeGetCurrentThread()); HERE();
    } else {
        CheckLife();
        CheckReturn();
        CheckPriority();
    }
    return STATUS_SUCCESS;
}
