/* Allocates a work item and does not free it. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PIO_WORKITEM Item;

    Item = IoAllocateWorkItem(DriverObject->DeviceObject); HERE(); /* MARK: CRIME */
    UNUSED(Item);
    IoDeleteDevice(DriverObject->DeviceObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT DeviceObject;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &DeviceObject);
}
