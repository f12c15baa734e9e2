/* Frees a nonpaged block by the address that the allocation returned. */
#include "kernel.h"

#define TAG 'rtnI' /* Intr */

static PUCHAR Packet;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExFreePoolWithTag(Packet, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Packet = ExAllocatePool2(POOL_FLAG_NON_PAGED, 256, TAG);
    if (Packet == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
