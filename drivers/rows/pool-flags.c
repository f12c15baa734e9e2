/* The pool routines that take flags. */
#include "rows.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* Whether a block was given; it is freed again. */
static BOOLEAN Gives(POOL_FLAGS Flags, SIZE_T Length, ULONG Tag)
{
    PVOID Block = ExAllocatePool2(Flags, Length, Tag);

    if (Block != NULL) {
        ExFreePool(Block);
    }
    return Block != NULL;
}

/* The same with one extended parameter, whose first word holds its type and bits and whose second its value. */
static BOOLEAN GivesWith(POOL_FLAGS Flags, ULONG64 Bits, ULONG64 Value)
{
    ULONG64 Parameter[2] = {Bits, Value};
    PVOID Block = ExAllocatePool3(Flags, 100, TAG, (PCPOOL_EXTENDED_PARAMETER)Parameter, 1);

    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
    }
    return Block != NULL;
}

/* Whether a block is zero although the memory it gets was dirty a moment ago. */
static BOOLEAN IsZeroed(POOL_FLAGS Kind, SIZE_T Length, BOOLEAN Third)
{
    PVOID Blocks[8];
    ULONG Index;
    BOOLEAN Zero = TRUE;

    for (Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++) {
        Blocks[Index] = ExAllocatePool2(Kind | POOL_FLAG_UNINITIALIZED, Length, TAG);
        RtlFillMemory(Blocks[Index], Length, 0xEE);
    }
    for (Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++) {
        ExFreePoolWithTag(Blocks[Index], TAG);
    }
    for (Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++) {
        Blocks[Index] =
            Third ? ExAllocatePool3(Kind, Length, TAG, NULL, 0) : ExAllocatePool2(Kind, Length, TAG);
        Zero = Zero && IsAll(Blocks[Index], Length, 0);
    }
    for (Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++) {
        ExFreePoolWithTag(Blocks[Index], TAG);
    }
    return Zero;
}

static VOID CheckContents(VOID)
{
    PVOID Raw = ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_UNINITIALIZED, 300, TAG);

    DbgPrint("zeroed: nonpaged=%u execute=%u paged=%u large=%u\n", IsZeroed(POOL_FLAG_NON_PAGED, 300, FALSE),
             IsZeroed(POOL_FLAG_NON_PAGED_EXECUTE, 300, FALSE), IsZeroed(POOL_FLAG_PAGED, 300, FALSE),
             IsZeroed(POOL_FLAG_PAGED, 3 * PAGE_SIZE + 5, FALSE));
    DbgPrint("third-zeroed: nonpaged=%u execute=%u paged=%u large=%u\n", IsZeroed(POOL_FLAG_NON_PAGED, 300, TRUE),
             IsZeroed(POOL_FLAG_NON_PAGED_EXECUTE, 300, TRUE), IsZeroed(POOL_FLAG_PAGED, 300, TRUE),
             IsZeroed(POOL_FLAG_PAGED, 3 * PAGE_SIZE + 5, TRUE));
    DbgPrint("uninitialized: zero=%u\n", IsAll(Raw, 300, 0));
    ExFreePoolWithTag(Raw, TAG);
}

/* A set bit for every bit of the flags that may be added to those of nonpaged pool. */
static VOID CheckFlags(VOID)
{
    ULONG64 Given = 0;
    ULONG Bit;

    for (Bit = 0; Bit < 64; Bit++) {
        if (Gives(POOL_FLAG_NON_PAGED | (1ULL << Bit), 64, TAG)) {
            Given |= 1ULL << Bit;
        }
    }
    DbgPrint("required: %08x\n", (ULONG)Given);
    DbgPrint("optional: %08x\n", (ULONG)(Given >> 32));
    DbgPrint("pools: none=%u nonpaged=%u execute=%u paged=%u two=%u three=%u\n", Gives(2, 64, TAG),
             Gives(0x40, 64, TAG), Gives(0x80, 64, TAG), Gives(0x100, 64, TAG), Gives(0x140, 64, TAG),
             Gives(0x1C0, 64, TAG));
    DbgPrint("refused: memory=%u tag=%u flags=%u size=%u\n", Gives(POOL_FLAG_PAGED, TOO_MUCH, TAG),
             Gives(POOL_FLAG_PAGED, 64, 0), Gives(POOL_FLAG_PAGED | 0x800, 64, TAG),
             Gives(POOL_FLAG_PAGED, (1ULL << 40) + 64, TAG));
}

/* Blocks of each kind and of both routines, one under each tag, so that the table of tags tells them apart. */
static VOID CheckKinds(VOID)
{
    PVOID Nonpaged = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, '1kaN');
    PVOID Execute = ExAllocatePool2(POOL_FLAG_NON_PAGED_EXECUTE, 100, '2kaN');
    PVOID Paged = ExAllocatePool3(POOL_FLAG_PAGED, 100, '3kaN', NULL, 0);
    PVOID Aligned = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_CACHE_ALIGNED, 100, '4kaN');
    PVOID Special = ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_SPECIAL_POOL, 100, '5kaN');

    WriteFunction(Execute);
    DbgPrint("execute: called=%u\n", CallFunction(Execute));
    DbgPrint("aligned: given=%u special=%u\n", Aligned != NULL, Special != NULL);
    ExFreePool(Nonpaged);
    ExFreePoolWithTag(Execute, '2kaN');
    ExFreePool(Paged);
    ExFreePoolWithTag(Aligned, '4kaN');
    ExFreePool(Special);
}

/* Where blocks lie: on a granule, within a page, and from a page on at its beginning. */
static BOOLEAN LiesWell(SIZE_T Length)
{
    PUCHAR Block = ExAllocatePool3(POOL_FLAG_NON_PAGED, Length, TAG, NULL, 0);
    ULONG_PTR Address = (ULONG_PTR)Block;
    BOOLEAN Well = Length < PAGE_SIZE
                       ? Address % 16 == 0 && Address / PAGE_SIZE == (Address + Length - 1) / PAGE_SIZE
                       : Address % PAGE_SIZE == 0;

    ExFreePoolWithTag(Block, TAG);
    return Well;
}

/* An extended parameter's types and its one bit, and the bit of a node's number. */
#define MAY_BE_IGNORED 0x100
#define PRIORITY 1
#define SECURE_POOL 2
#define NUMA_NODE 3
#define ANY_NODE_OK 0x80000000

static VOID CheckParameters(VOID)
{
    static const ULONG Priorities[] = {0, 8, 9, 16, 24, 25, 32, 40, 41};
    POOL_EXTENDED_PARAMETER Pair[2];
    ULONG Given = 0;
    ULONG Other = 0;
    ULONG Value;
    PVOID Block;

    for (Value = 0; Value < RTL_NUMBER_OF(Priorities); Value++) {
        Given += GivesWith(POOL_FLAG_PAGED, PRIORITY, Priorities[Value]);
    }
    for (Value = 0; Value < 64; Value++) {
        Other += GivesWith(POOL_FLAG_PAGED, PRIORITY, Value);
    }
    DbgPrint("priorities: listed=%u below-64=%u\n", Given, Other);
    DbgPrint("overrun: low=%u normal=%u high=%u\n", GivesWith(POOL_FLAG_PAGED, PRIORITY, 8),
             GivesWith(POOL_FLAG_PAGED, PRIORITY, 24), GivesWith(POOL_FLAG_PAGED, PRIORITY, 40));
    DbgPrint("underrun: low=%u normal=%u high=%u\n", GivesWith(POOL_FLAG_PAGED, PRIORITY, 9),
             GivesWith(POOL_FLAG_PAGED, PRIORITY, 25), GivesWith(POOL_FLAG_PAGED, PRIORITY, 41));
    DbgPrint("types: invalid=%u beyond=%u secure=%u\n", GivesWith(POOL_FLAG_PAGED, 0, 0),
             GivesWith(POOL_FLAG_PAGED, 4, 0), GivesWith(POOL_FLAG_PAGED, SECURE_POOL, 0));
    DbgPrint("optional-unknown: %u\n", GivesWith(POOL_FLAG_PAGED, MAY_BE_IGNORED | 77, 0));
    DbgPrint("mandatory-unknown: %u\n", GivesWith(POOL_FLAG_PAGED, 77, 0));
    DbgPrint("optional-known: paged-node=%u secure=%u\n", GivesWith(POOL_FLAG_PAGED, MAY_BE_IGNORED | NUMA_NODE, 0),
             GivesWith(POOL_FLAG_PAGED, MAY_BE_IGNORED | SECURE_POOL, 0));
    DbgPrint("node: there=%u missing=%u paged=%u execute=%u\n", GivesWith(POOL_FLAG_NON_PAGED, NUMA_NODE, 0),
             GivesWith(POOL_FLAG_NON_PAGED, NUMA_NODE, 1), GivesWith(POOL_FLAG_PAGED, NUMA_NODE, 0),
             GivesWith(POOL_FLAG_NON_PAGED_EXECUTE, NUMA_NODE, 0));
    DbgPrint("any-node: missing=%u other-bit=%u\n", GivesWith(POOL_FLAG_NON_PAGED, NUMA_NODE, ANY_NODE_OK | 5),
             GivesWith(POOL_FLAG_NON_PAGED, NUMA_NODE, 0x40000000 | 5));
    DbgPrint("reserved: %u\n", GivesWith(POOL_FLAG_PAGED, 0xFFFFFFFFFFFFFE00ULL | PRIORITY, 16));

    RtlZeroMemory(Pair, sizeof(Pair));
    Pair[0].Type = PoolExtendedParameterPriority;
    Pair[0].Priority = LowPoolPriority;
    Pair[1] = Pair[0];
    Block = ExAllocatePool3(POOL_FLAG_PAGED, 100, TAG, Pair, 2);
    DbgPrint("twice: %u\n", Block != NULL);
    ExFreePool(Block);
    Pair[1].Priority = (EX_POOL_PRIORITY)1;
    DbgPrint("twice-second-wrong: %u counted-out=%u\n", ExAllocatePool3(POOL_FLAG_PAGED, 100, TAG, Pair, 2) != NULL,
             (Block = ExAllocatePool3(POOL_FLAG_PAGED, 100, TAG, Pair, 1)) != NULL);
    ExFreePool(Block);
}

/* How many of eight blocks of each size begin on a cache line, beside the tail of a large block. */
static VOID CheckAligned(VOID)
{
    static const SIZE_T Lengths[] = {1, 40, 64, 100, 700, 3000};
    PVOID Large = ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE + 20, TAG);
    ULONG Aligned = 0;
    SIZE_T Size;
    ULONG Index;

    for (Size = 0; Size < RTL_NUMBER_OF(Lengths); Size++) {
        PVOID Blocks[8];

        for (Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++) {
            Blocks[Index] = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_CACHE_ALIGNED, Lengths[Size], TAG);
            Aligned += (ULONG_PTR)Blocks[Index] % 64 == 0 && IsAll(Blocks[Index], Lengths[Size], 0);
        }
        for (Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++) {
            ExFreePoolWithTag(Blocks[Index], TAG);
        }
    }
    ExFreePoolWithTag(Large, TAG);
    DbgPrint("cache-lines: %u\n", Aligned);
}

/* Pool types where flags belong, a value each line. */
static VOID PassTypes(VOID)
{
    DbgPrint("types-as-flags: %p", ExAllocatePool2(NonPagedPool, 64, TAG)); HERE();
    DbgPrint(" %p", ExAllocatePool2(PagedPool, 64, TAG)); HERE();
    DbgPrint(" %p", ExAllocatePool2(NonPagedPoolNx, 64, TAG)); HERE();
    DbgPrint(" %p", ExAllocatePool2(NonPagedPoolCacheAligned, 64, TAG)); HERE();
    DbgPrint(" %p\n", ExAllocatePool3(NonPagedPoolNxCacheAligned, 64, TAG, NULL, 0)); HERE();
}

/* Requests that fail as documented, or are served although something is odd. */
static VOID AskOddly(VOID)
{
    PVOID Block;

    Gives(POOL_FLAG_NON_PAGED, 64, 0);
    Gives(POOL_FLAG_NON_PAGED | 0x800, 64, TAG);
    Gives(POOL_FLAG_UNINITIALIZED, 64, TAG);
    GivesWith(POOL_FLAG_NON_PAGED, 1, 7);
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, 0x01020304);
    DbgPrint("odd-tag: %u\n", Block != NULL);
    ExFreePool(Block);
}

static VOID CallAtLevels(VOID)
{
    KIRQL Old = KfRaiseIrql(APC_LEVEL);

    Gives(POOL_FLAG_PAGED, 64, TAG);
    KeLowerIrql(Old);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    Gives(POOL_FLAG_NON_PAGED, 64, TAG);
    Gives(POOL_FLAG_NON_PAGED_EXECUTE, 64, TAG);
    KeLowerIrql(Old);
    DbgPrint("legal: done\n");

    Old = KfRaiseIrql(DISPATCH_LEVEL);
    ExAllocatePool2(POOL_FLAG_PAGED, 65, TAG); HERE();
    ExAllocatePool3(POOL_FLAG_PAGED, 66, TAG, NULL, 0); HERE();
    KeLowerIrql(Old);
    Old = KfRaiseIrql(5);
    ExAllocatePool2(POOL_FLAG_NON_PAGED, 67, TAG); HERE();
    ExAllocatePool2(POOL_FLAG_NON_PAGED_EXECUTE, 68, TAG); HERE();
    KeLowerIrql(Old);
    DbgPrint("lowered: paged=%u\n", Gives(POOL_FLAG_PAGED, 69, TAG));
}

/* A crime that ends the run; what it is depends on the driver's name. */
static VOID Commit(PUNICODE_STRING Path)
{
    POOL_EXTENDED_PARAMETER Unknown;
    PUCHAR Block;

    if (IsNamed(Path, L"raise-memory")) {
        ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_RAISE_ON_FAILURE, TOO_MUCH, TAG); HERE();
    } else if (IsNamed(Path, L"raise-tag")) {
        ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_RAISE_ON_FAILURE, 64, 0); HERE();
    } else if (IsNamed(Path, L"raise-flags")) {
        ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_RAISE_ON_FAILURE | 0x800, 64, TAG); HERE();
    } else if (IsNamed(Path, L"raise-parameter")) {
        RtlZeroMemory(&Unknown, sizeof(Unknown));
        ExAllocatePool3(POOL_FLAG_PAGED | POOL_FLAG_RAISE_ON_FAILURE, 64, TAG, &Unknown, 1); HERE();
    } else if (IsNamed(Path, L"execute-nonpaged") || IsNamed(Path, L"execute-paged")) {
        Block = ExAllocatePool2(IsNamed(Path, L"execute-paged") ? POOL_FLAG_PAGED : POOL_FLAG_NON_PAGED, 64, TAG);
        WriteFunction(Block);
        CallFunction(Block); HERE();
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"levels")) {
        CallAtLevels();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"no-bytes")) {
        DbgPrint("no-bytes: %p\n", ExAllocatePool2(POOL_FLAG_PAGED, 0, TAG));
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"types")) {
        PassTypes();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"odd")) {
        AskOddly();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"no-memory")) {
        return Gives(POOL_FLAG_NON_PAGED, TOO_MUCH, TAG) ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    if (!IsNamed(RegistryPath, L"observe")) {
        Commit(RegistryPath);
        DbgPrint("survived: yes\n");
        return STATUS_SUCCESS;
    }
    CheckContents();
    CheckFlags();
    CheckKinds();
    CheckAligned();
    DbgPrint("geometry: %u %u %u %u %u\n", LiesWell(1), LiesWell(100), LiesWell(2001), LiesWell(PAGE_SIZE),
             LiesWell(PAGE_SIZE + 1));
    CheckParameters();
    return STATUS_SUCCESS;
}
