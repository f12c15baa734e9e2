/* Frees each memory by its own routine. */
#include "kernel.h"

static PVOID Block;
static PVOID Buffer;

static VOID NOINLINE Open(VOID)
{
    PHYSICAL_ADDRESS Highest;

    Highest.QuadPart = 0xFFFFFF;
    Buffer = MmAllocateContiguousMemory(5000, Highest);
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 96, 'kcoB');
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    MmFreeContiguousMemory(Buffer);
    ExFreePool(Block);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    Open();
    if (Block == NULL || Buffer == NULL || MmGetPhysicalAddress(Buffer).QuadPart + 8191 > 0xFFFFFF) {
        return STATUS_UNSUCCESSFUL;
    }
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
