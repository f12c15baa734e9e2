/* The older pool routines, which take a pool type. */
#include "rows.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* The five routines, by a number. */
enum { PLAIN, TAGGED, QUOTA, QUOTA_TAGGED, PRIORITY, ROUTINES };

static PVOID NOINLINE Ask(ULONG Routine, ULONG Type, SIZE_T Length, ULONG Tag)
{
    PVOID Block = NULL;

    switch (Routine) {
    case PLAIN:
        Block = ExAllocatePool((POOL_TYPE)Type, Length); HERE();
        break;
    case TAGGED:
        Block = ExAllocatePoolWithTag((POOL_TYPE)Type, Length, Tag); HERE();
        break;
    case QUOTA:
        Block = ExAllocatePoolWithQuota((POOL_TYPE)Type, Length); HERE();
        break;
    case QUOTA_TAGGED:
        Block = ExAllocatePoolWithQuotaTag((POOL_TYPE)Type, Length, Tag); HERE();
        break;
    case PRIORITY:
        Block = ExAllocatePoolWithTagPriority((POOL_TYPE)Type, Length, Tag, LowPoolPriority); HERE();
        break;
    }
    return Block;
}

static BOOLEAN Gives(ULONG Routine, ULONG Type, SIZE_T Length)
{
    PVOID Block = Ask(Routine, Type, Length, TAG);

    if (Block != NULL) {
        ExFreePool(Block);
    }
    return Block != NULL;
}

static VOID CheckContents(VOID)
{
    ULONG Zero = 0;
    ULONG Cold = 0;
    ULONG Routine;

    for (Routine = 0; Routine < ROUTINES; Routine++) {
        PVOID Block = Ask(Routine, PagedPool, 300, TAG);
        PVOID Rare = Ask(Routine, PagedPool | POOL_COLD_ALLOCATION, 300, TAG);

        Zero += IsAll(Block, 300, 0);
        Cold += Rare != NULL && (ULONG_PTR)Rare % 16 == 0 && !IsAll(Rare, 300, 0);
        ExFreePool(Block);
        ExFreePool(Rare);
    }
    DbgPrint("contents: zero=%u\n", Zero);
    DbgPrint("cold: like-others=%u\n", Cold);
}

/* The bit that asks for zeroes, by its number. */
static VOID CheckZeroed(VOID)
{
    PVOID Tagged = Ask(TAGGED, PagedPool | 1024, 300, TAG);
    PVOID Large = Ask(TAGGED, NonPagedPoolNx | 1024, 3 * PAGE_SIZE, TAG);
    PVOID Priority = Ask(PRIORITY, PagedPool | 1024, 300, TAG);

    DbgPrint("zeroed: tagged=%u large=%u priority=%u\n", IsAll(Tagged, 300, 0), IsAll(Large, 3 * PAGE_SIZE, 0),
             IsAll(Priority, 300, 0));
    ExFreePool(Tagged);
    ExFreePool(Large);
    ExFreePool(Priority);
}

/* One block of each type under a tag that ends in the type's number: the table of tags then shows its kind. */
static VOID CheckTypes(VOID)
{
    static const ULONG Types[] = {0, 1, 4, 5, 32, 33, 36, 37, 512, 516, 544};
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Types); Index++) {
        ULONG Type = Types[Index];
        ULONG Tag = 'T' | ('0' + Type / 100) << 8 | ('0' + Type / 10 % 10) << 16 | ('0' + Type % 10) << 24;
        PVOID Block = Ask(TAGGED, Type, 100, Tag);

        if (Type == NonPagedPoolExecute) {
            WriteFunction(Block);
            DbgPrint("execute: called=%u\n", CallFunction(Block));
        }
        ExFreePoolWithTag(Block, Tag);
    }
}

/* How many of eight blocks of each cache-aligned type begin on a cache line. */
static VOID CheckAligned(VOID)
{
    static const ULONG Types[] = {4, 5, 36, 37, 516};
    ULONG Aligned = 0;
    ULONG Index;
    ULONG Number;

    for (Index = 0; Index < RTL_NUMBER_OF(Types); Index++) {
        PVOID Blocks[8];

        for (Number = 0; Number < RTL_NUMBER_OF(Blocks); Number++) {
            Blocks[Number] = Ask(Number % 2 ? TAGGED : QUOTA_TAGGED, Types[Index], 1 + 100 * Number, TAG);
            Aligned += (ULONG_PTR)Blocks[Number] % 64 == 0;
        }
        for (Number = 0; Number < RTL_NUMBER_OF(Blocks); Number++) {
            ExFreePoolWithTag(Blocks[Number], TAG);
        }
    }
    DbgPrint("cache-lines: %u\n", Aligned);
}

/* The default tags of header macros are tags like others. */
static VOID CheckDefaultTags(VOID)
{
    ExFreePoolWithTag(ExAllocatePoolWithTag(PagedPool, 10, ' kdD'), ' kdD');
    ExFreePoolWithTag(ExAllocatePoolWithTag(PagedPool, 10, ' mdW'), ' mdW');
}

/* Memory of the nonpaged type may be touched at every level. */
static VOID CheckTouched(VOID)
{
    volatile UCHAR *Block = Ask(TAGGED, NonPagedPool, 100, TAG);
    KIRQL Old = KfRaiseIrql(HIGH_LEVEL);

    Block[99] = 7;
    KeLowerIrql(Old);
    DbgPrint("touched: %u\n", Block[99]);
    ExFreePool((PVOID)Block);
}

/* The untagged routines' blocks are counted under a tag of the system's. */
static VOID CheckUntagged(VOID)
{
    PVOID Plain = Ask(PLAIN, NonPagedPoolExecute, 100, 0);
    PVOID Quota = Ask(QUOTA, NonPagedPoolExecute, 100, 0);

    DbgPrint("untagged: %u %u\n", Plain != NULL, Quota != NULL);
    ExFreePool(Plain);
    ExFreePool(Quota);
}

static VOID CheckFailures(VOID)
{
    DbgPrint("too-much: plain=%u tagged=%u priority=%u quota=%u\n", Gives(PLAIN, PagedPool, TOO_MUCH),
             Gives(TAGGED, PagedPool, TOO_MUCH), Gives(PRIORITY, PagedPool, TOO_MUCH),
             Gives(QUOTA_TAGGED, PagedPool | 8, TOO_MUCH));
}

static VOID CallAtLevels(VOID)
{
    ULONG Routine;
    KIRQL Old;

    Old = KfRaiseIrql(APC_LEVEL);
    for (Routine = 0; Routine < ROUTINES; Routine++) {
        Gives(Routine, PagedPool, 64);
    }
    KeLowerIrql(Old);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    for (Routine = 0; Routine < ROUTINES; Routine++) {
        Gives(Routine, NonPagedPoolNx, 64);
        Gives(Routine, NonPagedPool, 64);
    }
    KeLowerIrql(Old);
    DbgPrint("legal: done\n");
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    for (Routine = 0; Routine < ROUTINES; Routine++) {
        Ask(Routine, PagedPool, 1 + Routine, TAG);
    }
    KeLowerIrql(Old);
    Old = KfRaiseIrql(5);
    for (Routine = 0; Routine < ROUTINES; Routine++) {
        Ask(Routine, NonPagedPoolNx, 1 + Routine, TAG);
    }
    KeLowerIrql(Old);
}

/* Requests that are wrong and are told so. */
static VOID AskWrongly(VOID)
{
    PVOID Block;

    Block = ExAllocatePoolWithTag(NonPagedPoolNx, 0, TAG); HERE();
    DbgPrint("no-bytes: given=%u\n", Block != NULL);
    Block = ExAllocatePoolWithTag((POOL_TYPE)3, 64, TAG); HERE();
    DbgPrint("type-3: given=%u\n", Block != NULL);
    Block = ExAllocatePoolWithTag((POOL_TYPE)7, 64, TAG); HERE();
    DbgPrint("type-7: given=%u\n", Block != NULL);
    Block = ExAllocatePoolWithTag((POOL_TYPE)35, 64, TAG); HERE();
    DbgPrint("type-35: given=%u\n", Block != NULL);
    Block = ExAllocatePoolWithTag((POOL_TYPE)2, 65, TAG); HERE();
    Block = ExAllocatePoolWithTag((POOL_TYPE)6, 66, TAG); HERE();
    Block = ExAllocatePoolWithTag((POOL_TYPE)34, 67, TAG); HERE();
    Block = ExAllocatePoolWithTag((POOL_TYPE)38, 68, TAG); HERE();
    Block = ExAllocatePoolWithTag(PagedPool, 67, 0); HERE();
    Block = ExAllocatePoolWithTag(PagedPool, 68, 'GIB'); HERE();
    Block = ExAllocatePoolWithTag(PagedPool, 69, '!-- '); HERE();
}

/* A request that nothing can meet; the routine and the modifier depend on the driver's name. */
static VOID FailToGet(PUNICODE_STRING Path)
{
    if (IsNamed(Path, L"raise-tagged")) {
        Ask(TAGGED, PagedPool | 16, TOO_MUCH, TAG);
    } else if (IsNamed(Path, L"raise-priority")) {
        Ask(PRIORITY, PagedPool | 16, TOO_MUCH, TAG);
    } else if (IsNamed(Path, L"raise-quota")) {
        Ask(QUOTA, PagedPool, TOO_MUCH, TAG);
    } else if (IsNamed(Path, L"raise-quota-tagged")) {
        Ask(QUOTA_TAGGED, PagedPool, TOO_MUCH, TAG);
    } else if (IsNamed(Path, L"execute-nx")) {
        PVOID Block = Ask(TAGGED, 512, 64, TAG);

        WriteFunction(Block);
        CallFunction(Block); HERE();
    }
    DbgPrint("survived: yes\n");
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"levels")) {
        CallAtLevels();
    } else if (IsNamed(RegistryPath, L"wrong")) {
        AskWrongly();
    } else if (IsNamed(RegistryPath, L"observe")) {
        CheckContents();
        CheckZeroed();
        CheckTypes();
        CheckAligned();
        CheckTouched();
        CheckUntagged();
        CheckDefaultTags();
        CheckFailures();
    } else {
        FailToGet(RegistryPath);
    }
    return STATUS_SUCCESS;
}
