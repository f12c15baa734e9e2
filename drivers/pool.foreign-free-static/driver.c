/* Frees a variable of its own image. */
#include "kernel.h"

#define TAG 'tats' /* stat */

static __attribute__((aligned(16))) UCHAR Defaults[256];
static PVOID Settings = Defaults;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExFreePoolWithTag(Settings, TAG); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Defaults[0] = 1;
    return STATUS_SUCCESS;
}
