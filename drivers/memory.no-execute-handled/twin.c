/* Calls into an executable block, with a handler for everything around it. */
#include "seh.h"

#define TAG 'edoC' /* Code */

/* The instruction that returns. */
#define RETURN 0xC3

static VOID NOINLINE Run(PUCHAR Code)
{
    HIDE(Code);
    ((VOID(NTAPI *)(VOID))(ULONG_PTR)Code)();
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PUCHAR Code;

    UNUSED(DriverObject);
    Code = ExAllocatePoolWithTag(NonPagedPoolExecute, 64, TAG);
    if (Code == NULL) {
        return;
    }
    Code[0] = RETURN;
    TRY_ALWAYS(Blanket, Run(Code), DbgPrint("handled\n"));
    ExFreePoolWithTag(Code, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
