/* Frees an address in the middle of a paged block. */
#include "kernel.h"

#define TAG 'rtnI' /* Intr */
#define HEADER 1024

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
    Packet = ExAllocatePool2(POOL_FLAG_PAGED, 3000, TAG); HERE(); /* MARK: ALLOCATED */
    if (Packet == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
