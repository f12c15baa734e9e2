/* Writes to the extension of its device object before that is deleted. */
#include "kernel.h"

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Stale");
static PDEVICE_OBJECT Device;

static VOID NOINLINE Discard(VOID)
{
    IoDeleteDevice(Device);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile ULONG *Stopped = Device->DeviceExtension;

    UNUSED(DriverObject);
    *Stopped = TRUE;
    Discard();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Status = IoCreateDevice(DriverObject, 64, &DeviceName, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device);
    return Status;
}
