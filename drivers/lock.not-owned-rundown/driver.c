/* Releases rundown protection more often than it acquired it. */
#include "kernel.h"

static EX_RUNDOWN_REF Protection;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    if (ExAcquireRundownProtection(&Protection)) {
        ExReleaseRundownProtection(&Protection);
    }
    ExReleaseRundownProtection(&Protection); HERE(); /* MARK: CRIME */
    ExWaitForRundownProtectionRelease(&Protection);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeRundownProtection(&Protection);
    return STATUS_SUCCESS;
}
