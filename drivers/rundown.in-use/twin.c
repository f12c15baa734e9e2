/* Makes rundown protection usable again after its run-down. */
#include "kernel.h"

static EX_RUNDOWN_REF Protection;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExWaitForRundownProtectionRelease(&Protection);
    ExReInitializeRundownProtection(&Protection);
    ExWaitForRundownProtectionRelease(&Protection);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeRundownProtection(&Protection);
    return STATUS_SUCCESS;
}
