/* Keeps the registry path after DriverEntry, although its buffer is gone then. */
#include "kernel.h"

static PWCHAR Path;
static volatile WCHAR LastCharacter;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    LastCharacter = *Path; HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    Path = RegistryPath->Buffer;
    return STATUS_SUCCESS;
}
