/* Fails in DriverEntry and leaves a block behind. */
#include "kernel.h"

#define TAG 'liaF' /* Fail */

static PVOID State;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(DriverObject);
    UNUSED(RegistryPath);
    State = ExAllocatePool2(POOL_FLAG_PAGED, 320, TAG); HERE(); /* MARK: ALLOCATED */
    if (State == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_DEVICE_CONFIGURATION_ERROR;
}
