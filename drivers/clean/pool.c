/* Every pool routine, with what is documented of the blocks it gives. */
#include "clean.h"

/* Whether a block lies as the documentation says: a granule's or a page's alignment, and within one page if it fits. */
static BOOLEAN LiesWell(PVOID Block, SIZE_T Length)
{
    ULONG_PTR Address = (ULONG_PTR)Block;

    if (Block == NULL) {
        return FALSE;
    }
    if (Length >= PAGE_SIZE) {
        return Address % PAGE_SIZE == 0;
    }
    return Address % 16 == 0 && Address / PAGE_SIZE == (Address + Length - 1) / PAGE_SIZE;
}

static BOOLEAN IsZero(const UCHAR *Bytes, SIZE_T Length)
{
    while (Length != 0) {
        Length--;
        if (Bytes[Length] != 0) {
            return FALSE;
        }
    }
    return TRUE;
}

/* The older routines: each size, filled to its last byte, freed by either routine. */
static VOID CheckOlderRoutines(VOID)
{
    static const SIZE_T Lengths[] = {1, 16, 100, 2000, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 10 * PAGE_SIZE + 5};
    SIZE_T Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Lengths); Index++) {
        SIZE_T Length = Lengths[Index];
        PVOID Blocks[6];
        ULONG Number;

        Blocks[0] = ExAllocatePool(NonPagedPoolNx, Length);
        Blocks[1] = ExAllocatePoolWithTag(PagedPool, Length, TAG);
        Blocks[2] = ExAllocatePoolWithTag(NonPagedPoolExecute, Length, TAG);
        Blocks[3] = ExAllocatePoolWithQuota(PagedPool, Length);
        Blocks[4] = ExAllocatePoolWithQuotaTag((POOL_TYPE)(NonPagedPoolNx | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE), Length, TAG);
        Blocks[5] = ExAllocatePoolWithTagPriority(NonPagedPoolNx, Length, TAG, HighPoolPriority);
        for (Number = 0; Number < RTL_NUMBER_OF(Blocks); Number++) {
            Check(LiesWell(Blocks[Number], Length), "place of a block");
            if (Blocks[Number] != NULL) {
                RtlFillMemory(Blocks[Number], Length, 0xD7);
            }
        }
        for (Number = 0; Number < RTL_NUMBER_OF(Blocks); Number++) {
            if (Blocks[Number] == NULL) {
                continue;
            }
            /* The untagged routines' blocks have no tag that the driver could name. */
            if (Number == 0 || Number == 3) {
                ExFreePool(Blocks[Number]);
            } else {
                ExFreePoolWithTag(Blocks[Number], TAG);
            }
        }
    }
}

/* The newer routines: their blocks are zero, even where a dirty block was just freed. */
static VOID CheckNewerRoutines(VOID)
{
    static const POOL_FLAGS Kinds[] = {POOL_FLAG_NON_PAGED, POOL_FLAG_NON_PAGED_EXECUTE, POOL_FLAG_PAGED};
    POOL_EXTENDED_PARAMETER Parameter;
    SIZE_T Index;
    PUCHAR Block;

    for (Index = 0; Index < RTL_NUMBER_OF(Kinds); Index++) {
        Block = ExAllocatePool2(Kinds[Index], 300, TAG);
        Check(LiesWell(Block, 300) && IsZero(Block, 300), "ExAllocatePool2");
        if (Block != NULL) {
            RtlFillMemory(Block, 300, 0xEE);
            ExFreePool2(Block, TAG, NULL, 0);
        }
        Block = ExAllocatePool2(Kinds[Index] | POOL_FLAG_UNINITIALIZED, 3 * PAGE_SIZE, TAG);
        Check(LiesWell(Block, 3 * PAGE_SIZE), "ExAllocatePool2, uninitialized");
        if (Block != NULL) {
            Block[3 * PAGE_SIZE - 1] = 1;
            ExFreePoolWithTag(Block, TAG);
        }
    }
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_USE_QUOTA | POOL_FLAG_CACHE_ALIGNED, 40, TAG);
    Check(LiesWell(Block, 40) && IsZero(Block, 40), "ExAllocatePool2, with quota");
    if (Block != NULL) {
        ExFreePool(Block);
    }
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, (SIZE_T)1 << 46, TAG);
    Check(Block == NULL, "ExAllocatePool2 of more than there can be");

    RtlZeroMemory(&Parameter, sizeof(Parameter));
    Parameter.Type = PoolExtendedParameterPriority;
    Parameter.Priority = LowPoolPriority;
    Block = ExAllocatePool3(POOL_FLAG_PAGED, 700, TAG, &Parameter, 1);
    Check(LiesWell(Block, 700) && IsZero(Block, 700), "ExAllocatePool3, priority");
    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
    }
    RtlZeroMemory(&Parameter, sizeof(Parameter));
    Parameter.Type = PoolExtendedParameterNumaNode;
    Parameter.PreferredNode = 0;
    Block = ExAllocatePool3(POOL_FLAG_NON_PAGED, 700, TAG, &Parameter, 1);
    Check(LiesWell(Block, 700) && IsZero(Block, 700), "ExAllocatePool3, node");
    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
    }
}

VOID CheckPool(VOID)
{
    CheckOlderRoutines();
    CheckNewerRoutines();
}
