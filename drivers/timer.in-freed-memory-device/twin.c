/* Cancels the timer in a device extension before it deletes the device object. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PKTIMER Timer = DriverObject->DeviceObject->DeviceExtension;
    LARGE_INTEGER Due;

    KeInitializeTimer(Timer);
    Due.QuadPart = -10000000;
    KeSetTimer(Timer, Due, NULL);
    KeCancelTimer(Timer);
    IoDeleteDevice(DriverObject->DeviceObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT DeviceObject;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return IoCreateDevice(DriverObject, sizeof(KTIMER), NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &DeviceObject);
}
