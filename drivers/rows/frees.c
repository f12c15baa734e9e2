/* Blocks freed as they should be, and as they should not. */
#include "rows.h"

static char Static[64];

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* A block of each routine. */
static VOID AllocateEach(PVOID *Blocks)
{
    Blocks[0] = ExAllocatePool2(POOL_FLAG_PAGED, 100, TAG);
    Blocks[1] = ExAllocatePool3(POOL_FLAG_NON_PAGED, 100, TAG, NULL, 0);
    Blocks[2] = ExAllocatePoolWithTag(PagedPool, 100, TAG);
    Blocks[3] = ExAllocatePoolWithQuotaTag(PagedPool, 100, TAG);
    Blocks[4] = ExAllocatePoolWithTagPriority(NonPagedPoolNx, 5000, TAG, HighPoolPriority);
    Blocks[5] = ExAllocatePool(PagedPool, 100);
    Blocks[6] = ExAllocatePoolWithQuota(PagedPool, 100);
}

static VOID FreeWell(VOID)
{
    PVOID Blocks[7];
    ULONG Index;

    AllocateEach(Blocks);
    for (Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++) {
        ExFreePool(Blocks[Index]);
    }
    AllocateEach(Blocks);
    for (Index = 0; Index < 5; Index++) {
        ExFreePoolWithTag(Blocks[Index], TAG);
    }
    ExFreePool(Blocks[5]);
    ExFreePool(Blocks[6]);
    AllocateEach(Blocks);
    for (Index = 0; Index < 5; Index++) {
        ExFreePool2(Blocks[Index], TAG, NULL, 0);
    }
    ExFreePool(Blocks[5]);
    ExFreePool(Blocks[6]);
    DbgPrint("freed: all\n");
}

static VOID FreeAtLevels(VOID)
{
    PVOID Nonpaged = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
    PVOID Tagged = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
    PVOID High = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
    PVOID Paged = ExAllocatePool2(POOL_FLAG_PAGED, 100, TAG);
    PVOID PagedToo = ExAllocatePool2(POOL_FLAG_PAGED, 100, TAG);
    PVOID PagedLow = ExAllocatePool2(POOL_FLAG_PAGED, 100, TAG);
    KIRQL Old = KfRaiseIrql(APC_LEVEL);

    ExFreePool(PagedLow);
    KeLowerIrql(Old);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    ExFreePool(Nonpaged);
    ExFreePoolWithTag(Tagged, TAG);
    KeLowerIrql(Old);
    DbgPrint("legal: done\n");

    Old = KfRaiseIrql(DISPATCH_LEVEL);
    ExFreePool(Paged); HERE();
    ExFreePoolWithTag(PagedToo, TAG); HERE();
    KeLowerIrql(Old);
    Old = KfRaiseIrql(5);
    ExFreePool(High); HERE();
    KeLowerIrql(Old);
}

static VOID NOINLINE FreeWrongly(VOID)
{
    UCHAR OnStack[64];
    PUCHAR Block;

    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, 'enoA');
    DbgPrint("wrong-tag: %p\n", Block);
    ExFreePoolWithTag(Block, 'owtB'); HERE();

    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, 'enoA');
    DbgPrint("wrong-tag-2: %p\n", Block);
    ExFreePool2(Block, 'owtB', NULL, 0); HERE();

    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 200, TAG);
    DbgPrint("twice: %p\n", Block);
    ExFreePool(Block);
    ExFreePool(Block); HERE();

    Block = ExAllocatePool2(POOL_FLAG_PAGED, 100, TAG);
    DbgPrint("inside: %p\n", Block + 16);
    ExFreePool(Block + 16); HERE();
    ExFreePool(Block);

    DbgPrint("user: %p\n", (PVOID)0x10000);
    ExFreePool((PVOID)0x10000); HERE();

    DbgPrint("static: %p\n", Static);
    ExFreePool(Static); HERE();

    USE_ALL(OnStack);
    DbgPrint("on-stack: %p\n", OnStack);
    ExFreePool(OnStack); HERE();

    ExFreePool(NULL); HERE();
}

/* The bit of older headers that protects a tag; current ones define it as 0. */
#define PROTECTED 0x80000000

/* Frees with the block's tag, with another and with none, of blocks whose tag is protected and of others. */
static VOID FreeByTags(VOID)
{
    ExFreePoolWithTag(ExAllocatePoolWithTag(PagedPool, 11, 'enoA'), 'enoA'); HERE();
    ExFreePoolWithTag(ExAllocatePoolWithTag(PagedPool, 12, 'enoA'), 'owtB'); HERE();
    ExFreePool(ExAllocatePoolWithTag(PagedPool, 13, 'enoA')); HERE();
    ExFreePoolWithTag(ExAllocatePoolWithTag(PagedPool, 14, 'enoA' | PROTECTED), 'enoA' | PROTECTED); HERE();
    ExFreePoolWithTag(ExAllocatePoolWithTag(PagedPool, 15, 'enoA' | PROTECTED), 'owtB'); HERE();
    ExFreePool(ExAllocatePoolWithTag(PagedPool, 16, 'enoA' | PROTECTED)); HERE();
}

/* Blocks under two tags, of which some are left behind. */
static VOID LeaveBlocks(VOID)
{
    PVOID Freed;

    ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, 'enoA');
    ExAllocatePool2(POOL_FLAG_NON_PAGED, 50, 'enoA');
    Freed = ExAllocatePool2(POOL_FLAG_NON_PAGED, 1000, 'enoA');
    ExFreePool(Freed);
    ExAllocatePool2(POOL_FLAG_PAGED, 30, 'enoA');
    Freed = ExAllocatePool2(POOL_FLAG_PAGED, 70, 'owtB');
    ExFreePoolWithTag(Freed, 'owtB');
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"levels")) {
        FreeAtLevels();
    } else if (IsNamed(RegistryPath, L"wrong")) {
        FreeWrongly();
    } else if (IsNamed(RegistryPath, L"tags")) {
        FreeByTags();
    } else if (IsNamed(RegistryPath, L"leaves")) {
        LeaveBlocks();
    } else {
        FreeWell();
    }
    return STATUS_SUCCESS;
}
