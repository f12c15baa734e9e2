/*
 * A driver that does nothing wrong.
 *
 * It calls every routine that the machine offers, checks the documented results, and fails its DriverEntry when one
 * differs. Its unload routine leaves nothing behind.
 */
#include "clean.h"

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Clean");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Clean");

static PDEVICE_OBJECT Device;
static ULONG Failures;

VOID Check(BOOLEAN Holds, const char *What)
{
    if (!Holds) {
        Failures++;
        DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "clean: %s: not as documented\n", What);
    }
}

static NTSTATUS NTAPI Open(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNUSED(DeviceObject);
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IofCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI Close(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNUSED(DeviceObject);
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static VOID NTAPI PAGED_CODE_SECTION DriverUnload(PDRIVER_OBJECT DriverObject)
{
    if (DriverObject->DeviceObject != Device) {
        KeBugCheck(0xDEAD);
    }
    IoDeleteSymbolicLink(&LinkName);
    IoDeleteDevice(Device);
    DbgPrint("clean: unloaded\n");
}

/* The registry path names the driver's key among the services. */
static VOID INIT_CODE CheckRegistryPath(PUNICODE_STRING RegistryPath)
{
    static const WCHAR Prefix[] = L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\";
    UNICODE_STRING Expected;
    UNICODE_STRING Start = *RegistryPath;

    RtlInitUnicodeString(&Expected, Prefix);
    Check(RegistryPath->Length > Expected.Length, "registry path, length");
    if (Start.Length > Expected.Length) {
        Start.Length = Expected.Length;
    }
    Check(RtlEqualUnicodeString(&Start, &Expected, TRUE), "registry path");
}

/* What a new driver object and a new device object hold. */
static NTSTATUS INIT_CODE CreateDevice(PDRIVER_OBJECT DriverObject)
{
    PDEVICE_OBJECT Second = NULL;
    PULONG Extension;
    NTSTATUS Status;

    Check(DriverObject->MajorFunction[IRP_MJ_READ] != NULL, "default dispatch routine");
    Status = IoCreateDevice(DriverObject, 4 * sizeof(ULONG), &DeviceName, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN,
                            FALSE, &Device);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Extension = Device->DeviceExtension;
    Check(Extension[0] == 0 && Extension[3] == 0, "device extension is zero");
    Check(Device->DriverObject == DriverObject, "device's driver");
    Check(Device->StackSize == 1, "device's stack size");
    Check(Device->DeviceType == FILE_DEVICE_UNKNOWN, "device's type");
    Check((Device->Flags & DO_DEVICE_INITIALIZING) != 0, "device is initializing");
    Check(DriverObject->DeviceObject == Device, "driver's first device");

    Status = IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Second);
    Check(NT_SUCCESS(Status) && Second->NextDevice == Device, "driver's second device");
    if (NT_SUCCESS(Status)) {
        IoDeleteDevice(Second);
    }
    Check(DriverObject->DeviceObject == Device, "driver's devices after a deletion");

    Status = IoCreateSymbolicLink(&LinkName, &DeviceName);
    if (!NT_SUCCESS(Status)) {
        IoDeleteDevice(Device);
    }
    return Status;
}

NTSTATUS NTAPI INIT_CODE DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    if (DriverObject == NULL) {
        KeBugCheckEx(0xDEAD, 1, 2, 3, 4);
    }
    DbgPrint("clean: entered with %wZ\n", RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    DriverObject->MajorFunction[IRP_MJ_CREATE] = Open;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = Close;

    CheckRegistryPath(RegistryPath);
    CheckPool();
    CheckStrings();
    CheckMemory();
    CheckLevels();
    CheckLocks();
    CheckSystem();
    Status = CreateDevice(DriverObject);
    if (NT_SUCCESS(Status) && Failures != 0) {
        IoDeleteSymbolicLink(&LinkName);
        IoDeleteDevice(Device);
        Status = STATUS_UNSUCCESSFUL;
    }
    DbgPrint("clean: %u checks failed\n", Failures);
    return Status;
}
