/* Uses of blocks that were freed. */
#include "join.h"
#include "rows.h"

#define MANY 2000
#define LARGE (300 * PAGE_SIZE)

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* Dirties block after block of a length; how many of the zeroed ones that follow are not zero, and how many lie where a
 * dirty one lay first. */
static VOID CheckZeroes(SIZE_T Length, ULONG Count)
{
    PVOID First = NULL;
    ULONG Dirty = 0;
    ULONG Met = 0;
    ULONG Index;

    for (Index = 0; Index < Count; Index++) {
        PUCHAR Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, Length, TAG);

        Met += Index > 0 && Block == First;
        First = First == NULL ? Block : First;
        Dirty += !IsAll(Block, Length, 0);
        RtlFillMemory(Block, Length, 0xD1);
        ExFreePoolWithTag(Block, TAG);
    }
    DbgPrint("zeroes: dirty=%u met=%u\n", Dirty, Met != 0);
}

/* Frees blocks that are chained by their first bytes. */
static VOID FreeAll(PVOID Chain)
{
    while (Chain != NULL) {
        PVOID Next = *(PVOID *)Chain;

        ExFreePoolWithTag(Chain, TAG);
        Chain = Next;
    }
}

/* Allocates so many blocks, fewer if memory ends, and chains them; how many they are. */
static ULONG AllocateAll(POOL_FLAGS Kind, SIZE_T Length, ULONG Count, PVOID *Chain)
{
    ULONG Index;

    *Chain = NULL;
    for (Index = 0; Index < Count; Index++) {
        PVOID *Block = ExAllocatePool2(Kind, Length, TAG);

        if (Block == NULL) {
            break;
        }
        *Block = *Chain;
        *Chain = Block;
    }
    return Index;
}

/* Uses all memory for one kind of pool and frees it; what others get of it then. */
static VOID CheckRoom(VOID)
{
    PHYSICAL_ADDRESS Highest;
    PVOID Contiguous;
    PVOID Chain;
    ULONG Before = AllocateAll(POOL_FLAG_NON_PAGED, 15 * PAGE_SIZE, 1000, &Chain);
    ULONG Small;

    FreeAll(Chain);
    Highest.QuadPart = -1;
    Contiguous = MmAllocateContiguousMemory(8 << 20, Highest);
    if (Contiguous != NULL) {
        MmFreeContiguousMemory(Contiguous);
    }
    AllocateAll(POOL_FLAG_NON_PAGED, 15 * PAGE_SIZE, 1000, &Chain);
    FreeAll(Chain);
    Small = AllocateAll(POOL_FLAG_PAGED, 1000, 9000, &Chain);
    FreeAll(Chain);
    DbgPrint("room: most=%u contiguous=%u small=%u\n", Before > 180, Contiguous != NULL, Small);
}

/* A block that was freed, and whose page is given back since for want of memory. */
static PVOID FreeAndLose(VOID)
{
    PVOID Block = ExAllocatePool2(POOL_FLAG_PAGED, 200, TAG);

    ExFreePoolWithTag(Block, TAG); HERE();
    DbgPrint("more: got=%u\n", ExAllocatePool2(POOL_FLAG_PAGED, TOO_MUCH, TAG) != NULL);
    return Block;
}

/* A block of many pages that was freed and whose pages are given back at once. */
static volatile UCHAR *FreeLarge(VOID)
{
    PVOID Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, LARGE, TAG);

    ExFreePoolWithTag(Block, TAG); HERE();
    return Block;
}

static VOID NTAPI FreeInThread(PVOID Block)
{
    DbgPrint("freed-by: %d\n", (int)(ULONG_PTR)PsGetCurrentThreadId());
    ExFreePoolWithTag(Block, TAG); HERE();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    volatile UCHAR *Block;
    volatile UCHAR *Behind;

    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"zeroes-small")) {
        CheckZeroes(200, MANY);
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"zeroes-large")) {
        CheckZeroes(LARGE, 10);
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"room")) {
        CheckRoom();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"twice")) {
        Block = FreeAndLose();
        ExFreePoolWithTag((PVOID)Block, TAG); HERE();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"recut")) {
        /* The page that two blocks of 200 bytes had serves one of 64 bytes, so that no block begins at the second one. */
        Behind = ExAllocatePool2(POOL_FLAG_PAGED, 200, TAG);
        Block = FreeAndLose();
        ExFreePoolWithTag((PVOID)Behind, TAG);
        ExAllocatePool2(POOL_FLAG_PAGED, TOO_MUCH, TAG);
        Behind = ExAllocatePool2(POOL_FLAG_PAGED, 64, TAG);
        DbgPrint("recut: same-page=%u\n", PAGE_ALIGN(Behind) == PAGE_ALIGN(Block));
        ExFreePoolWithTag((PVOID)Block, TAG); HERE();
        ExFreePoolWithTag((PVOID)Behind, TAG);
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"gone")) {
        Block = FreeAndLose();
        Block[7] = 0; HERE();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"gone-low")) {
        FreeLarge()[7] = 0; HERE();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"gone-high")) {
        Block = FreeLarge();
        KfRaiseIrql(DISPATCH_LEVEL);
        Block[7] = 0; HERE();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"gone-high-copy")) {
        UCHAR Zero = 0;

        Block = FreeLarge();
        KfRaiseIrql(DISPATCH_LEVEL);
        RtlCopyMemory((PVOID)(Block + 7), &Zero, 1); HERE();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"by-thread") || IsNamed(RegistryPath, L"by-thread-touched")) {
        DbgPrint("allocated-by: %d\n", (int)(ULONG_PTR)PsGetCurrentThreadId());
        Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, LARGE, TAG);
        JoinThread(StartThread(FreeInThread, (PVOID)Block));
        if (IsNamed(RegistryPath, L"by-thread-touched")) {
            Block[7] = 0; HERE();
        }
        ExFreePoolWithTag((PVOID)Block, TAG); HERE();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"tail")) {
        /* What lies behind the large block keeps its last page. */
        Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, LARGE + 100, TAG);
        Behind = ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, TAG);
        ExFreePoolWithTag((PVOID)Block, TAG);
        Block[LARGE + 50] = 0;
        ExFreePoolWithTag((PVOID)Behind, TAG);
        return STATUS_SUCCESS;
    }
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
    ExFreePoolWithTag((PVOID)Block, TAG);
    Block[10] = 0;
    Block[20] = 0;
    if (IsNamed(RegistryPath, L"stays")) {
        DriverObject->DriverUnload = NULL;
    } else if (IsNamed(RegistryPath, L"stops")) {
        KeBugCheckEx(0xDEAD, 1, 2, 3, 4);
    } else if (IsNamed(RegistryPath, L"fails")) {
        return STATUS_UNSUCCESSFUL;
    } else if (IsNamed(RegistryPath, L"dispatch")) {
        KIRQL Before = KeRaiseIrqlToDpcLevel();

        Behind = ExAllocatePool2(POOL_FLAG_NON_PAGED, LARGE, TAG);
        ExFreePoolWithTag((PVOID)Behind, TAG);
        KeLowerIrql(Before);
    } else if (IsNamed(RegistryPath, L"follows-pointer")) {
        Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
        ExFreePoolWithTag((PVOID)Block, TAG);
        **(volatile UCHAR *volatile *)Block = 1;
    }
    return STATUS_SUCCESS;
}
