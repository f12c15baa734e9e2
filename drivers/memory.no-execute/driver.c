/* Puts code into a no-execute block and calls it. */
#include "kernel.h"

#define TAG 'edoC' /* Code */

/* The instruction that returns. */
#define RETURN 0xC3

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PUCHAR Code;

    UNUSED(DriverObject);
    Code = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, TAG);
    if (Code == NULL) {
        return;
    }
    Code[0] = RETURN;
    ((VOID(NTAPI *)(VOID))Code)(); HERE(); /* MARK: CRIME */
    ExFreePoolWithTag(Code, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
