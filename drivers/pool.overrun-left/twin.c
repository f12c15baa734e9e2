/* Writes a block of several pages up to its end, and frees it. */
#include "kernel.h"

#define TAG 'elbT' /* Tble */
#define COUNT 1050

static PULONG Table;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExFreePoolWithTag(Table, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONG Index;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Table = ExAllocatePool2(POOL_FLAG_NON_PAGED, COUNT * sizeof(ULONG), TAG);
    if (Table == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (Index = 0; Index < COUNT; Index++) {
        Table[Index] = Index;
    }
    return STATUS_SUCCESS;
}
