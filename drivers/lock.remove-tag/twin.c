/* Releases a remove lock with checks under the tag of its acquisition. */
#include "kernel.h"

/* The bytes of a remove lock in a driver that is built with checks. */
#define CHECKED_SIZE 0x78

static DECLSPEC_ALIGN(16) UCHAR Storage[CHECKED_SIZE];

#define LOCK ((PIO_REMOVE_LOCK)Storage)

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    if (NT_SUCCESS(IoAcquireRemoveLockEx(LOCK, DriverObject, "", 1, CHECKED_SIZE))) {
        IoReleaseRemoveLockEx(LOCK, DriverObject, CHECKED_SIZE);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    IoInitializeRemoveLockEx(LOCK, 'kcoL', 0, 0, CHECKED_SIZE);
    return STATUS_SUCCESS;
}
