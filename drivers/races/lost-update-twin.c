/* Two threads count in one variable, each step being one instruction. */
#include "races.h"

static volatile LONG Count;

static VOID NTAPI First(PVOID Context)
{
    UNUSED(Context);
    for (ULONG Round = 0; Round < 4; Round++) {
        __sync_fetch_and_add(&Count, 1);
        KeQueryTimeIncrement();
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

#define Second First

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    WaitForBoth();
    if (Count != 8) {
        KeBugCheckEx(MANUALLY_INITIATED_CRASH, (ULONG_PTR)Count, 8, 0, 0); HERE();
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Status = Begin(0, First);
    if (NT_SUCCESS(Status)) {
        Status = Begin(1, Second);
    }
    if (!NT_SUCCESS(Status)) {
        WaitForBoth();
    }
    return Status;
}
