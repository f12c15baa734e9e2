/* Two threads take two mutexes in the same order. */
#include "races.h"

static KMUTEX Left;
static KMUTEX Right;

static VOID TakeBoth(PKMUTEX Outer, PKMUTEX Inner)
{
    KeWaitForSingleObject(Outer, Executive, KernelMode, FALSE, NULL);
    KeWaitForSingleObject(Inner, Executive, KernelMode, FALSE, NULL); HERE();
    KeReleaseMutex(Inner, FALSE);
    KeReleaseMutex(Outer, FALSE);
}

static VOID NTAPI First(PVOID Context)
{
    UNUSED(Context);
    TakeBoth(&Left, &Right);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI Second(PVOID Context)
{
    UNUSED(Context);
    TakeBoth(&Left, &Right);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    WaitForBoth();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeMutex(&Left, 0);
    KeInitializeMutex(&Right, 0);
    Status = Begin(0, First);
    if (NT_SUCCESS(Status)) {
        Status = Begin(1, Second);
    }
    if (!NT_SUCCESS(Status)) {
        WaitForBoth();
    }
    return Status;
}
