/*
 * The wrappers of the kit: NonPagedPool is no-execute at compile time, and clearing is left to the system.
 */
#define POOL_NX_OPTIN_AUTO 1
#include "rows.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* Leaves dirty memory behind for what is allocated next. */
static VOID Dirty(VOID)
{
    PVOID Blocks[4];
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++) {
        Blocks[Index] = ExAllocatePoolUninitialized(PagedPool, 300, TAG);
        RtlFillMemory(Blocks[Index], 300, 0xEE);
    }
    for (Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++) {
        ExFreePoolWithTag(Blocks[Index], TAG);
    }
}

/* Whether a block is zero; it is freed. */
static BOOLEAN IsZero(PVOID Block)
{
    BOOLEAN Zero = IsAll(Block, 300, 0);

    ExFreePoolWithTag(Block, TAG);
    return Zero;
}

static VOID CheckContents(VOID)
{
    Dirty();
    DbgPrint("zero: plain=%u", IsZero(ExAllocatePoolZero(PagedPool, 300, TAG)));
    DbgPrint(" quota=%u", IsZero(ExAllocatePoolQuotaZero(PagedPool, 300, TAG)));
    DbgPrint(" priority=%u\n", IsZero(ExAllocatePoolPriorityZero(PagedPool, 300, TAG, NormalPoolPriority)));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    DbgPrint("constants: plain=%u aligned=%u\n", (ULONG)NonPagedPool, (ULONG)NonPagedPoolCacheAligned);
    if (!IsNamed(RegistryPath, L"contents")) {
        ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPool, 100, 'otuA'), 'otuA');
    }
    CheckContents();
    return STATUS_SUCCESS;
}
