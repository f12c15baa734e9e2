/* Has the routine for it write to a block of secure pool. */
#include "secure.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    if (ExSecurePoolValidate(Pool, TAG, (PVOID)Policy, COOKIE) != 0) {
        ULONG Next = 9;

        ExSecurePoolUpdate(Pool, TAG, (PVOID)Policy, COOKIE, 0, sizeof(Next), &Next);
    }
    ExFreePool2((PVOID)Policy, TAG, &Parameter, 1);
    ExDestroyPool(Pool);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return CreatePolicy();
}
