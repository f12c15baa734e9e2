/* Frees a work item in its routine. */
#include "kernel.h"

static VOID NTAPI Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    UNUSED(DeviceObject);
    IoFreeWorkItem(Context);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PIO_WORKITEM Item;
    ULONG Turn;

    for (Turn = 0; Turn < 64; Turn++) {
        Item = IoAllocateWorkItem(DriverObject->DeviceObject);
        IoQueueWorkItem(Item, Work, DelayedWorkQueue, Item);
    }
    IoDeleteDevice(DriverObject->DeviceObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT DeviceObject;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &DeviceObject);
}
