/* Does one thing wrong of every kind that a report has a form for: two soft findings, then a trap. */
#include "kernel.h"

#define TAG 'yrvE' /* Evry */

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Everything");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Everything");
static PDEVICE_OBJECT Device;
static PVOID Block;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile ULONG64 *Nowhere = (volatile ULONG64 *)0xFFFFFFFFFFFFF000;

    UNUSED(DriverObject);
    ExFreePoolWithTag(Block, TAG);
    ExFreePoolWithTag(Block, TAG);
    DbgPrint("a line with \x1b[31mcolour, \"quotes\" and \xFF\n");
    HIDE(Nowhere);
    *Nowhere = 1;
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
        return Status;
    }
    Block = ExAllocatePool2(POOL_FLAG_PAGED, 100, TAG);
    return Block == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}
