/* Makes rundown protection usable again that was not run down. */
#include "kernel.h"

static EX_RUNDOWN_REF Protection;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExReInitializeRundownProtection(&Protection); HERE(); /* MARK: CRIME */
    ExWaitForRundownProtectionRelease(&Protection);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeRundownProtection(&Protection);
    return STATUS_SUCCESS;
}
