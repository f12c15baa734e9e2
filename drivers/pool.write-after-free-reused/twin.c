/* Writes to a block before it frees it; its memory is handed out again later. */
#include "kernel.h"

#define TAG 'ueuQ' /* Queu */
#define LENGTH 200

static volatile UCHAR *Stale;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static VOID NOINLINE Discard(VOID)
{
    ExFreePoolWithTag((PVOID)Stale, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONG Index;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Stale = ExAllocatePool2(POOL_FLAG_NON_PAGED, LENGTH, TAG);
    if (Stale == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Stale[LENGTH - 1] = 0;
    Discard();
    for (Index = 0; Index < 2000; Index++) {
        PVOID Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, LENGTH, TAG);

        if (Block != NULL) {
            ExFreePoolWithTag(Block, TAG);
        }
    }
    return STATUS_SUCCESS;
}
