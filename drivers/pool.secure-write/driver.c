/* Writes to a block of secure pool. */
#include "secure.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    *Policy = 9; HERE(); /* MARK: CRIME */
    ExFreePool2((PVOID)Policy, TAG, &Parameter, 1);
    ExDestroyPool(Pool);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return CreatePolicy();
}
