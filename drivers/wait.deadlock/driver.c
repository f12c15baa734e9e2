/* Two threads take two mutexes, each in its own order. */
#include "join.h"

static KMUTEX First;
static KMUTEX Second;
static KEVENT Ready[2];
static PVOID Threads[2];

static NOINLINE VOID TakeBoth(PKMUTEX Mine, PKMUTEX Other, ULONG Number)
{
    WaitFor(Mine);
    KeSetEvent(&Ready[Number], IO_NO_INCREMENT, FALSE);
    WaitFor(&Ready[1 - Number]);
    KeWaitForSingleObject(Other, Executive, KernelMode, FALSE, NULL); HERE(); /* MARK: CRIME */
    KeReleaseMutex(Other, FALSE);
    KeReleaseMutex(Mine, FALSE);
}

static VOID NTAPI RunFirst(PVOID Context)
{
    UNUSED(Context);
    TakeBoth(&First, &Second, 0);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI RunSecond(PVOID Context)
{
    UNUSED(Context);
    TakeBoth(&Second, &First, 1);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    JoinThread(Threads[0]);
    JoinThread(Threads[1]);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeMutex(&First, 0);
    KeInitializeMutex(&Second, 0);
    KeInitializeEvent(&Ready[0], NotificationEvent, FALSE);
    KeInitializeEvent(&Ready[1], NotificationEvent, FALSE);
    Threads[0] = StartThread(RunFirst, NULL);
    Threads[1] = StartThread(RunSecond, NULL);
    return STATUS_SUCCESS;
}
