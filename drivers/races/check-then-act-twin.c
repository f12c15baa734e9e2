/* Whoever takes the block out of the variable frees it. */
#include "races.h"

static PVOID volatile Block;

static VOID NTAPI First(PVOID Context)
{
    LARGE_INTEGER Now;
    PVOID Taken;

    UNUSED(Context);
    Taken = __atomic_exchange_n(&Block, NULL, __ATOMIC_SEQ_CST);
    if (Taken != NULL) {
        KeQuerySystemTime(&Now);
        ExFreePoolWithTag(Taken, TAG);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

#define Second First

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
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, TAG);
    if (Block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = Begin(0, First);
    if (NT_SUCCESS(Status)) {
        Status = Begin(1, Second);
    }
    if (!NT_SUCCESS(Status)) {
        WaitForBoth();
    }
    return Status;
}
