/* Frees the block that holds a push lock which it has. */
#include "kernel.h"

struct CONTEXT_BLOCK {
    ULONG Uses;
    EX_PUSH_LOCK Lock;
};

static struct CONTEXT_BLOCK *Block;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Block->Lock);
    ExFreePoolWithTag(Block, 'kcoL'); HERE(); /* MARK: CRIME */
    KeLeaveCriticalRegion();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Block), 'kcoL');
    if (Block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ExInitializePushLock(&Block->Lock);
    return STATUS_SUCCESS;
}
