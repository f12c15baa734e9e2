/* Reads a variable in a deferred procedure call. */
#include "kernel.h"

static KDPC Dpc;
static ULONG Register;
static ULONG *volatile Pointer;

static VOID NTAPI Call(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Object);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
    (void)*(volatile ULONG *)Pointer;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Pointer = &Register;
    KeInitializeDpc(&Dpc, Call, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
