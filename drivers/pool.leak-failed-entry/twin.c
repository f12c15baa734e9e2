/* Fails in DriverEntry and undoes what it did before. */
#include "kernel.h"

#define TAG 'liaF' /* Fail */

static PVOID State;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(DriverObject);
    UNUSED(RegistryPath);
    State = ExAllocatePool2(POOL_FLAG_PAGED, 320, TAG);
    if (State == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ExFreePoolWithTag(State, TAG);
    return STATUS_DEVICE_CONFIGURATION_ERROR;
}
