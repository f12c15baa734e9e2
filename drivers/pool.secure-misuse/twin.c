/* Frees a block of secure pool by its parameters, and destroys the pool afterwards. */
#include "secure.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExFreePool2((PVOID)Policy, TAG, &Parameter, 1);
    ExDestroyPool(Pool);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return CreatePolicy();
}
