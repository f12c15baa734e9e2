/* Frees an address in the middle of a nonpaged block. */
#include "kernel.h"

#define TAG 'rtnI' /* Intr */
#define HEADER 64

static PUCHAR Packet;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExFreePoolWithTag(Packet + HEADER, TAG); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Packet = ExAllocatePool2(POOL_FLAG_NON_PAGED, 256, TAG); HERE(); /* MARK: ALLOCATED */
    if (Packet == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
