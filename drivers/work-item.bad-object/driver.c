/* Makes a work item for something that is no device object. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PIO_WORKITEM Item;
    DEVICE_OBJECT Copy;

    Copy = *DriverObject->DeviceObject;
    Item = IoAllocateWorkItem(&Copy); HERE(); /* MARK: CRIME */
    IoFreeWorkItem(Item);
    IoDeleteDevice(DriverObject->DeviceObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT DeviceObject;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &DeviceObject);
}
