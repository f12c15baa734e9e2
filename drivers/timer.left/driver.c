/* Leaves a timer set whose call comes after the driver is unloaded. */
#include "kernel.h"

#define TAG 'emiT'

struct OBJECTS {
    KTIMER Timer;
    KDPC Dpc;
};

static VOID NTAPI Deferred(PKDPC Dpc, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Dpc);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    struct OBJECTS *Objects = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Objects), TAG);
    LARGE_INTEGER Due;

    UNUSED(DriverObject);
    KeInitializeTimer(&Objects->Timer);
    KeInitializeDpc(&Objects->Dpc, Deferred, NULL);
    Due.QuadPart = -100000;
    KeSetTimer(&Objects->Timer, Due, &Objects->Dpc);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
