/*
 * A small driver with a device that hands out the lines of a log.
 *
 * Reading from the device takes the oldest line. The log begins with as many records as the configuration says.
 */
#include "sample.h"

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\NtpoolSample");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\NtpoolSample");

static PDEVICE_OBJECT Device;
static PCONFIG Config;
static LOG Log;

static NTSTATUS Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IofCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS NTAPI DispatchOpenClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNUSED(DeviceObject);
    return Complete(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Length = Stack->Parameters.Read.Length;

    UNUSED(DeviceObject);
    if (Length == 0) {
        return Complete(Irp, STATUS_SUCCESS, 0);
    }
    return Complete(Irp, STATUS_SUCCESS, LogRead(&Log, Irp->AssociatedIrp.SystemBuffer, Length));
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    LogAppend(&Log, "unloading");
    IoDeleteSymbolicLink(&LinkName);
    IoDeleteDevice(Device);
    LogClose(&Log);
    ConfigClose(Config);
    if (Config != NULL) {
        ExFreePoolWithTag(Config, CONFIG_TAG); /* MARK: UNLOAD */
    }
    DbgPrint("sample: unloaded\n");
}

static NTSTATUS CreateDevice(PDRIVER_OBJECT DriverObject)
{
    NTSTATUS Status;

    Status = IoCreateDevice(DriverObject, 0, &DeviceName, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN, FALSE, &Device);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Device->Flags |= DO_BUFFERED_IO;
    Status = IoCreateSymbolicLink(&LinkName, &DeviceName);
    if (!NT_SUCCESS(Status)) {
        IoDeleteDevice(Device);
    }
    return Status;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    DriverObject->DriverUnload = DriverUnload;
    DriverObject->MajorFunction[IRP_MJ_CREATE] = DispatchOpenClose;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = DispatchOpenClose;
    DriverObject->MajorFunction[IRP_MJ_READ] = DispatchRead;

    Status = ConfigOpen(RegistryPath, &Config);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = LogOpen(&Log, Config->RecordCount);
    if (!NT_SUCCESS(Status)) {
        ConfigClose(Config);
        return Status;
    }
    LogAppend(&Log, "driver loaded");
    LogAppend(&Log, "configuration read");
    Status = CreateDevice(DriverObject);
    if (!NT_SUCCESS(Status)) {
        LogClose(&Log);
        ConfigClose(Config);
        return Status;
    }
    LogAppend(&Log, "device created");
    LogAppend(&Log, "ready");
    DbgPrint("sample: ready, service key %wZ\n", &Config->ServiceKey);
    return STATUS_SUCCESS;
}
