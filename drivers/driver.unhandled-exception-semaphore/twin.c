/* Releases a semaphore as often as it takes it. */
#include "kernel.h"

static KSEMAPHORE Semaphore;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, FALSE);
    KeWaitForSingleObject(&Semaphore, Executive, KernelMode, FALSE, NULL);
    KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, FALSE);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSemaphore(&Semaphore, 0, 1);
    return STATUS_SUCCESS;
}
