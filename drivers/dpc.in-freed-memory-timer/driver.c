/* Frees memory that holds the deferred procedure call of a timer that is set. */
#include "kernel.h"

#define TAG ' cpD'

static KTIMER Timer;

static VOID NTAPI Deferred(PKDPC Dpc, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Dpc);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PKDPC Dpc = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Dpc), TAG);
    LARGE_INTEGER Due;

    UNUSED(DriverObject);
    KeInitializeTimer(&Timer);
    KeInitializeDpc(Dpc, Deferred, NULL);
    Due.QuadPart = -10000000;
    KeSetTimer(&Timer, Due, Dpc);
    ExFreePoolWithTag(Dpc, TAG); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
