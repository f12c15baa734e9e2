/* The pool quota of a process, used up block by block. */
#include "rows.h"

#define LENGTH 2000

static PVOID Chain;
static ULONG Count;

/*
 * Allocates charged blocks until the quota is used up; each holds the address of the one before. They are of two kinds
 * by turns, each of which has a quota of its own.
 */
static VOID UseUp(VOID)
{
    static const POOL_FLAGS Kinds[] = {POOL_FLAG_PAGED, POOL_FLAG_NON_PAGED};
    PVOID *Block;

    while ((Block = ExAllocatePool2(Kinds[Count % 2] | POOL_FLAG_USE_QUOTA, LENGTH, TAG)) != NULL) {
        *Block = Chain;
        Chain = Block;
        Count++;
    }
}

static VOID GiveBackOne(VOID)
{
    PVOID *Block = Chain;

    Chain = *Block;
    ExFreePoolWithTag(Block, TAG);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    while (Chain != NULL) {
        GiveBackOne();
    }
}

static BOOLEAN Free(PVOID Block)
{
    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
    }
    return Block != NULL;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    POOL_TYPE Failing = (POOL_TYPE)(PagedPool | 8);

    DriverObject->DriverUnload = DriverUnload;
    UseUp();
    DbgPrint("used-up: bytes=%u\n", Count * LENGTH);
    if (IsNamed(RegistryPath, L"raise-plain")) {
        ExAllocatePoolWithQuota(PagedPool, LENGTH); HERE();
    } else if (IsNamed(RegistryPath, L"raise-tagged")) {
        ExAllocatePoolWithQuotaTag(PagedPool, LENGTH, TAG); HERE();
    } else {
        DbgPrint("uncharged: flags=%u types=%u\n", Free(ExAllocatePool2(POOL_FLAG_PAGED, LENGTH, TAG)),
                 Free(ExAllocatePoolWithTag(PagedPool, LENGTH, TAG)));
        DbgPrint("charged: flags=%u tagged=%u\n",
                 Free(ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_USE_QUOTA, LENGTH, TAG)),
                 Free(ExAllocatePoolWithQuotaTag(Failing, LENGTH, TAG)));
        DbgPrint("page: below=%u tagged=%u flags=%u\n", Free(ExAllocatePoolWithQuotaTag(Failing, PAGE_SIZE - 1, TAG)),
                 Free(ExAllocatePoolWithQuotaTag(Failing, PAGE_SIZE, TAG)),
                 Free(ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_USE_QUOTA, PAGE_SIZE, TAG)));
        /* One of each kind. */
        GiveBackOne();
        GiveBackOne();
        DbgPrint("given-back: flags=%u\n", Free(ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_USE_QUOTA, LENGTH, TAG)));
        return STATUS_SUCCESS;
    }
    DbgPrint("survived: yes\n");
    return STATUS_SUCCESS;
}
