/* Divides in a deferred procedure call. */
#include "kernel.h"

static KDPC Dpc;
static volatile ULONG Divisor = 10;
static volatile ULONG Quotient;

static VOID NTAPI Call(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Object);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
    Quotient = 1000 / Divisor;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
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
