/* Makes a symbolic link at DISPATCH_LEVEL. */
#include "kernel.h"

static UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\DosDevices\\TooHigh");
static UNICODE_STRING Device = RTL_CONSTANT_STRING(L"\\Device\\TooHigh");

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    IoDeleteSymbolicLink(&Link);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;
    KIRQL OldIrql;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    Status = IoCreateSymbolicLink(&Link, &Device); HERE(); /* MARK: CRIME */
    KeLowerIrql(OldIrql);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    return STATUS_SUCCESS;
}
