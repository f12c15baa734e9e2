/*
 * The wrappers of the kit: NonPagedPool becomes no-execute at run time, and blocks are cleared where the system does
 * not do it.
 */
#define POOL_NX_OPTIN 1
#define POOL_ZERO_DOWN_LEVEL_SUPPORT 1
#include "rows.h"

/* In the other file, which opts out. */
PVOID AllocateOptedOut(ULONG Tag);

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

/* Blocks that are not zero; and failures, which are NULL where the type or the routine says so. */
static VOID CheckOthers(VOID)
{
    Dirty();
    DbgPrint("uninitialized: plain=%u", IsZero(ExAllocatePoolUninitialized(PagedPool, 300, TAG)));
    DbgPrint(" quota=%u", IsZero(ExAllocatePoolQuotaUninitialized(PagedPool, 300, TAG)));
    DbgPrint(" priority=%u\n", IsZero(ExAllocatePoolPriorityUninitialized(PagedPool, 300, TAG, LowPoolPriority)));
    DbgPrint("failed: plain=%p", ExAllocatePoolZero(PagedPool, TOO_MUCH, TAG));
    DbgPrint(" quota=%p", ExAllocatePoolQuotaZero((POOL_TYPE)(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE), TOO_MUCH, TAG));
    DbgPrint(" priority=%p\n", ExAllocatePoolPriorityZero(PagedPool, TOO_MUCH, TAG, HighPoolPriority));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPool, 100, 'ofeB'), 'ofeB');
    if (IsNamed(RegistryPath, L"late")) {
        CheckContents();
    }
    ExInitializeDriverRuntime(IsNamed(RegistryPath, L"other-flag") ? 2 : DrvRtPoolNxOptIn);
    ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPool, 100, 'retA'), 'retA');
    ExFreePoolWithTag(AllocateOptedOut('stuO'), 'stuO');
    if (IsNamed(RegistryPath, L"raise-quota")) {
        ExAllocatePoolQuotaZero(PagedPool, TOO_MUCH, TAG); HERE();
    } else if (IsNamed(RegistryPath, L"raise-quota-uninitialized")) {
        ExAllocatePoolQuotaUninitialized(PagedPool, TOO_MUCH, TAG); HERE();
    } else if (IsNamed(RegistryPath, L"raise-priority")) {
        ExAllocatePoolPriorityZero((POOL_TYPE)(PagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE), TOO_MUCH, TAG,
                                   HighPoolPriority); HERE();
    } else if (IsNamed(RegistryPath, L"raise-plain")) {
        ExAllocatePoolZero((POOL_TYPE)(PagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE), TOO_MUCH, TAG); HERE();
    } else {
        if (!IsNamed(RegistryPath, L"late")) {
            CheckContents();
        }
        CheckOthers();
        return STATUS_SUCCESS;
    }
    DbgPrint("survived: yes\n");
    return STATUS_SUCCESS;
}
