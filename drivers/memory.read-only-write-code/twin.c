/* Reads its own code. */
#include "kernel.h"

static volatile UCHAR FirstByte;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile UCHAR *Code = (volatile UCHAR *)DriverUnload;

    UNUSED(DriverObject);
    HIDE(Code);
    FirstByte = *Code;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
