/* Frees a block of secure pool like any other, and destroys the pool under it. */
#include "secure.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExFreePoolWithTag((PVOID)Policy, TAG); HERE(); /* MARK: FREE */
    ExDestroyPool(Pool); HERE(); /* MARK: DESTROY */
    ExFreePool2((PVOID)Policy, TAG, &Parameter, 1);
    ExDestroyPool(Pool);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return CreatePolicy();
}
