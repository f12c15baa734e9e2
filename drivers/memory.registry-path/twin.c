/* Copies the registry path while its buffer is there. */
#include "kernel.h"

#define TAG 'htaP' /* Path */

static PWCHAR Path;
static volatile WCHAR LastCharacter;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    LastCharacter = *Path;
    ExFreePoolWithTag(Path, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    Path = ExAllocatePool2(POOL_FLAG_PAGED, RegistryPath->Length + sizeof(WCHAR), TAG);
    if (Path == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlCopyMemory(Path, RegistryPath->Buffer, RegistryPath->Length);
    return STATUS_SUCCESS;
}
