/* Deletes its symbolic link and its device object. */
#include "kernel.h"

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\LinkLeft");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\LinkLeft");
static PDEVICE_OBJECT Device;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    IoDeleteSymbolicLink(&LinkName);
    IoDeleteDevice(Device);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Status = IoCreateDevice(DriverObject, 0, &DeviceName, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = IoCreateSymbolicLink(&LinkName, &DeviceName);
    if (!NT_SUCCESS(Status)) {
        IoDeleteDevice(Device);
        return Status;
    }
    return STATUS_SUCCESS;
}
