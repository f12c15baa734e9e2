/* Writes behind blocks, which bounds checking finds. */
#include "rows.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const SIZE_T Lengths[] = {1, 15, 16, 17, 100, 4096, 5000};
    volatile UCHAR *Block;
    SIZE_T Index;

    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"within")) {
        for (Index = 0; Index < RTL_NUMBER_OF(Lengths); Index++) {
            Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, Lengths[Index], TAG);
            RtlFillMemory((PVOID)Block, Lengths[Index], 0xFF);
            ExFreePoolWithTag((PVOID)Block, TAG);
        }
        return STATUS_SUCCESS;
    }
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 5000, TAG);
    if (IsNamed(RegistryPath, L"tail")) {
        /* The first byte of the last page that is not the block's. */
        Block[5000] = 0x41;
        Block[5001] = 0x42;
    } else if (IsNamed(RegistryPath, L"far")) {
        Block[8000] = 0x41;
    }
    DbgPrint("block: %p\n", Block);
    ExFreePoolWithTag((PVOID)Block, TAG); HERE();
    return STATUS_SUCCESS;
}
