/* Memory descriptor lists and physical addresses. */
#include "rows.h"

#define PAGES 3
#define OFFSET 0x234

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static PPFN_NUMBER Frames(PMDL List)
{
    return (PPFN_NUMBER)(List + 1);
}

static VOID CheckList(VOID)
{
    PUCHAR Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGES * PAGE_SIZE, TAG);
    PUCHAR Buffer = Block + OFFSET;
    ULONG Length = 2 * PAGE_SIZE;
    PMDL List = IoAllocateMdl(Buffer, Length, FALSE, FALSE, NULL);
    ULONG Right = 0;
    ULONG Page;

    DbgPrint("fresh: next=%p size=%d flags=%x start=%u offset=%x count=%x address=%u\n", List->Next, List->Size,
             List->MdlFlags, List->StartVa == Block, List->ByteOffset, List->ByteCount,
             MmGetMdlVirtualAddress(List) == Buffer);
    DbgPrint("frames-unset: %u\n", IsAll(Frames(List), PAGES * sizeof(PFN_NUMBER), 0));
    MmBuildMdlForNonPagedPool(List);
    for (Page = 0; Page < PAGES; Page++) {
        Right += Frames(List)[Page] == (PFN_NUMBER)(MmGetPhysicalAddress(Block + Page * PAGE_SIZE).QuadPart >> 12);
    }
    DbgPrint("built: right=%u flags=%x mapped=%u\n", Right, List->MdlFlags, List->MappedSystemVa == Buffer);
    IoFreeMdl(List);
    ExFreePoolWithTag(Block, TAG);
}

static VOID CheckLengths(VOID)
{
    PMDL Longest = IoAllocateMdl((PVOID)0x10000, 0xFFFFF000, FALSE, FALSE, NULL);
    PMDL TooLong = IoAllocateMdl((PVOID)0x10000, 0xFFFFF001, FALSE, FALSE, NULL);

    DbgPrint("lengths: longest=%u too-long=%u\n", Longest != NULL, TooLong != NULL);
    if (Longest != NULL) {
        IoFreeMdl(Longest);
    }
}

static VOID CheckChain(VOID)
{
    static UCHAR Data[32];
    PMDL First = IoAllocateMdl(Data, sizeof(Data), FALSE, FALSE, NULL);
    PMDL Second = IoAllocateMdl(Data, sizeof(Data), FALSE, FALSE, NULL);

    First->Next = Second;
    IoFreeMdl(First);
    DbgPrint("chain: second=%u\n", Second->ByteCount);
    IoFreeMdl(Second);
}

static VOID CheckPhysical(VOID)
{
    PUCHAR Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 2 * PAGE_SIZE, TAG);
    LONG64 Passive = MmGetPhysicalAddress(Block + 0x123).QuadPart;
    KIRQL Old = KfRaiseIrql(HIGH_LEVEL);
    LONG64 High = MmGetPhysicalAddress(Block + 0x123).QuadPart;

    KeLowerIrql(Old);
    DbgPrint("physical: offset=%x same-at-high=%u\n", (ULONG)(Passive & 0xFFF), Passive == High && Passive != 0);
    ExFreePoolWithTag(Block, TAG);
}

static VOID NOINLINE DescribeStack(VOID)
{
    UCHAR Data[64];
    PMDL List = IoAllocateMdl(Data, sizeof(Data), FALSE, FALSE, NULL);

    USE_ALL(Data);
    MmBuildMdlForNonPagedPool(List); HERE();
    DbgPrint("stack: %x\n", List->MdlFlags);
    IoFreeMdl(List);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"stack")) {
        DescribeStack();
        return STATUS_SUCCESS;
    }
    CheckList();
    CheckLengths();
    CheckChain();
    CheckPhysical();
    return STATUS_SUCCESS;
}
