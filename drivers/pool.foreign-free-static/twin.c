/* Replaces its static settings by a block, and frees only that. */
#include "kernel.h"

#define TAG 'tats' /* stat */

static __attribute__((aligned(16))) UCHAR Defaults[256];
static PVOID Settings = Defaults;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    if (Settings != Defaults) {
        ExFreePoolWithTag(Settings, TAG);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Defaults[0] = 1;
    Settings = ExAllocatePoolWithTag(PagedPool, sizeof(Defaults), TAG);
    if (Settings == NULL) {
        Settings = Defaults;
    }
    return STATUS_SUCCESS;
}
