/* Builds a fresh memory descriptor list. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Block;
    PMDL Mdl;

    UNUSED(DriverObject);
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 5000, 'kcoB');
    if (Block == NULL) {
        return;
    }
    Mdl = IoAllocateMdl(Block, 5000, FALSE, FALSE, NULL);
    if (Mdl != NULL) {
        MmBuildMdlForNonPagedPool(Mdl); HERE();
        IoFreeMdl(Mdl);
    }
    ExFreePool(Block);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
