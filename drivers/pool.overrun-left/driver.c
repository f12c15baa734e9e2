/* Writes behind the end of a block of several pages, and leaves it behind. */
#include "kernel.h"

#define TAG 'elbT' /* Tble */
#define COUNT 1050

static PULONG Table;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONG Index;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Table = ExAllocatePool2(POOL_FLAG_NON_PAGED, COUNT * sizeof(ULONG), TAG); HERE(); /* MARK: ALLOCATED */
    if (Table == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (Index = 0; Index <= COUNT; Index++) {
        Table[Index] = Index;
    }
    return STATUS_SUCCESS;
}
