/* Driver objects, device objects and symbolic links. */
#include "rows.h"

#define EXTENSION 200

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Rows");
static UNICODE_STRING SameName = RTL_CONSTANT_STRING(L"\\DEVICE\\rows");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Rows");
static UNICODE_STRING SameLink = RTL_CONSTANT_STRING(L"\\??\\ROWS");

static PDEVICE_OBJECT Device;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PDEVICE_OBJECT Late;

    if (Device == NULL) {
        return;
    }
    DbgPrint("flags-after-entry: %x\n", Device->Flags);
    if (NT_SUCCESS(IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Late))) {
        DbgPrint("flags-of-late: %x\n", Late->Flags);
        IoDeleteDevice(Late);
    }
    DbgPrint("link-deleted: %x\n", IoDeleteSymbolicLink(&SameLink));
    DbgPrint("link-deleted-again: %x\n", IoDeleteSymbolicLink(&LinkName));
    IoDeleteDevice(Device);
    DbgPrint("devices-left: %p\n", DriverObject->DeviceObject);
}

static VOID CheckDriverObject(PDRIVER_OBJECT DriverObject)
{
    PDRIVER_DISPATCH Default = DriverObject->MajorFunction[0];
    ULONG Same = 0;
    ULONG Index;
    IRP Irp;

    DbgPrint("driver: type=%d size=%x devices=%p unload=%p extension=%u name=%wZ\n", DriverObject->Type,
             DriverObject->Size, DriverObject->DeviceObject, DriverObject->DriverUnload,
             DriverObject->DriverExtension->DriverObject == DriverObject, &DriverObject->DriverName);
    for (Index = 0; Index <= IRP_MJ_MAXIMUM_FUNCTION; Index++) {
        Same += DriverObject->MajorFunction[Index] == Default;
    }
    RtlZeroMemory(&Irp, sizeof(Irp));
    DbgPrint("dispatch: null=%u same=%u status=%x\n", Default == NULL, Same,
             Default == NULL ? 0 : Default(NULL, &Irp));
}

/* Fills blocks of about a device object's size with rubbish and frees them, so that it may get one of them. */
static VOID DirtyPool(VOID)
{
    PVOID Blocks[16];
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++) {
        Blocks[Index] = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(DEVICE_OBJECT) + EXTENSION, TAG);
        RtlFillMemory(Blocks[Index], sizeof(DEVICE_OBJECT) + EXTENSION, 0xEE);
    }
    for (Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++) {
        ExFreePoolWithTag(Blocks[Index], TAG);
    }
}

static VOID CheckDevices(PDRIVER_OBJECT DriverObject)
{
    PDEVICE_OBJECT Other = NULL;
    NTSTATUS Status;

    DirtyPool();
    Status = IoCreateDevice(DriverObject, EXTENSION, &DeviceName, FILE_DEVICE_KEYBOARD, FILE_DEVICE_SECURE_OPEN, FALSE,
                            &Device);
    DbgPrint("device: status=%x type=%d size=%u driver=%u next=%p attached=%p device-type=%x\n", Status, Device->Type,
             Device->Size, Device->DriverObject == DriverObject, Device->NextDevice, Device->AttachedDevice,
             Device->DeviceType);
    DbgPrint("extension: offset=%x zero=%u\n", (ULONG)((PUCHAR)Device->DeviceExtension - (PUCHAR)Device),
             IsAll(Device->DeviceExtension, EXTENSION, 0));
    DbgPrint("stack: size=%d alignment=%x\n", Device->StackSize, Device->AlignmentRequirement);
    DbgPrint("flags: %x characteristics=%x references=%d\n", Device->Flags, Device->Characteristics,
             Device->ReferenceCount);

    Status = IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, TRUE, &Other);
    DbgPrint("second: status=%x first=%u next=%u flags=%x\n", Status, DriverObject->DeviceObject == Other,
             Other->NextDevice == Device, Other->Flags);
    IoDeleteDevice(Other);
    DbgPrint("deleted: first=%u\n", DriverObject->DeviceObject == Device);

    DbgPrint("collision: %x\n",
             IoCreateDevice(DriverObject, 0, &SameName, FILE_DEVICE_UNKNOWN, 0, FALSE, &Other));
    DbgPrint("too-large: %x\n", IoCreateDevice(DriverObject, 0xFFFF0000, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Other));
}

static VOID CheckLinks(VOID)
{
    DbgPrint("link: %x\n", IoCreateSymbolicLink(&LinkName, &DeviceName));
    DbgPrint("link-collision: %x\n", IoCreateSymbolicLink(&SameLink, &DeviceName));
}

/* Up to which level the routines may be called. */
static VOID CallAtLevels(PDRIVER_OBJECT DriverObject)
{
    PDEVICE_OBJECT Made;
    KIRQL Old;

    Old = KfRaiseIrql(APC_LEVEL);
    IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Made); HERE();
    IoDeleteDevice(Made);
    IoCreateSymbolicLink(&LinkName, &DeviceName); HERE();
    KeLowerIrql(Old);
    IoDeleteSymbolicLink(&LinkName);

    Old = KfRaiseIrql(DISPATCH_LEVEL);
    IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Made); HERE();
    KeLowerIrql(Old);
    IoDeleteDevice(Made);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    if (IsNamed(RegistryPath, L"levels")) {
        CallAtLevels(DriverObject);
    } else {
        CheckDriverObject(DriverObject);
        CheckDevices(DriverObject);
        CheckLinks();
    }
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
