/* Releases a semaphore once more than its limit. */
#include "kernel.h"

static KSEMAPHORE Semaphore;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, FALSE);
    KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, FALSE); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSemaphore(&Semaphore, 0, 1);
    return STATUS_SUCCESS;
}
