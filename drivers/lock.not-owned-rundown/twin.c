/* Releases rundown protection as often as it acquired it. */
#include "kernel.h"

static EX_RUNDOWN_REF Protection;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    if (ExAcquireRundownProtectionEx(&Protection, 2)) {
        ExReleaseRundownProtection(&Protection);
        ExReleaseRundownProtection(&Protection);
    }
    ExWaitForRundownProtectionRelease(&Protection);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeRundownProtection(&Protection);
    return STATUS_SUCCESS;
}
