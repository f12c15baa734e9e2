/* Lookaside lists of the three forms, by exported routines and by the inline code of older headers. */
#include "rows.h"

#ifndef POOL_NX_ALLOCATION
#define POOL_NX_ALLOCATION 512
#endif

#define LENGTH 72
#define RAISING EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL
#define NOT_RAISING EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE

/* More than the machine has memory, in 32 bits. */
#define TOO_LARGE ((SIZE_T)0xF0000000)

static LOOKASIDE_LIST_EX List;
static NPAGED_LOOKASIDE_LIST NPaged;
static PAGED_LOOKASIDE_LIST Paged;

/* A list within a structure of the driver's, which its routines find by it. */
static struct OWNER {
    ULONG Allocated;
    ULONG Freed;
    LOOKASIDE_LIST_EX List;
} Owner;

/* What the routines of the driver were given last, and how often. */
static struct SEEN {
    ULONG Count;
    ULONG Nested;
    ULONG Deepest;
    ULONG Type;
    SIZE_T Size;
    ULONG Tag;
    PVOID Entry;
    PVOID List;
    KIRQL Irql;
} Allocated, Freed;

static BOOLEAN Refuse;
static BOOLEAN Nest;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static PVOID See(POOL_TYPE Type, SIZE_T Size, ULONG Tag, PVOID Of)
{
    Allocated.Count++;
    Allocated.Type = Type;
    Allocated.Size = Size;
    Allocated.Tag = Tag;
    Allocated.List = Of;
    Allocated.Irql = KeGetCurrentIrql();
    return Refuse ? NULL : ExAllocatePoolWithTag(Type & ~POOL_RAISE_IF_ALLOCATION_FAILURE, Size, Tag);
}

static VOID SeeFree(PVOID Entry, PVOID Of)
{
    Freed.Count++;
    Freed.Entry = Entry;
    Freed.List = Of;
    Freed.Irql = KeGetCurrentIrql();
    ExFreePool(Entry);
}

static PVOID NTAPI AllocatePlain(POOL_TYPE Type, SIZE_T Size, ULONG Tag)
{
    return See(Type, Size, Tag, NULL);
}

static VOID NTAPI FreePlain(PVOID Entry)
{
    SeeFree(Entry, NULL);
}

static PVOID NTAPI AllocateExtended(POOL_TYPE Type, SIZE_T Size, ULONG Tag, PLOOKASIDE_LIST_EX Of)
{
    PVOID Entry;

    Allocated.Nested++;
    if (Allocated.Nested > Allocated.Deepest) {
        Allocated.Deepest = Allocated.Nested;
    }
    if (Nest && Allocated.Nested == 1) {
        /* The list holds nothing back while its routine runs. */
        ExFreeToLookasideListEx(Of, ExAllocateFromLookasideListEx(Of));
    }
    Entry = See(Type, Size, Tag, Of);
    Allocated.Nested--;
    return Entry;
}

static VOID NTAPI FreeExtended(PVOID Entry, PLOOKASIDE_LIST_EX Of)
{
    SeeFree(Entry, Of);
}

static PVOID NTAPI AllocateOwned(POOL_TYPE Type, SIZE_T Size, ULONG Tag, PLOOKASIDE_LIST_EX Of)
{
    CONTAINING_RECORD(Of, struct OWNER, List)->Allocated++;
    return ExAllocatePoolWithTag(Type, Size, Tag);
}

static VOID NTAPI FreeOwned(PVOID Entry, PLOOKASIDE_LIST_EX Of)
{
    CONTAINING_RECORD(Of, struct OWNER, List)->Freed++;
    ExFreePool(Entry);
}

static VOID Forget(VOID)
{
    RtlZeroMemory(&Allocated, sizeof(Allocated));
    RtlZeroMemory(&Freed, sizeof(Freed));
}

#define TELL(Subject, Of)                                                                                            \
    DbgPrint("%s: allocates=%u misses=%u frees=%u free-misses=%u idle=%u depth=%u\n", Subject, (Of).L.TotalAllocates, \
             (Of).L.AllocateMisses, (Of).L.TotalFrees, (Of).L.FreeMisses, ExQueryDepthSList(&(Of).L.ListHead),       \
             (Of).L.Depth)

static PVOID Routine(PCWSTR Name)
{
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Name);
    return MmGetSystemRoutineAddress(&String);
}

/* Each entry has a lock; in its next life an entry has another part, and so its lock has another place in the order. */
static VOID TakeLocksOf(PKSPIN_LOCK Outer, PKSPIN_LOCK Inner)
{
    KIRQL Old;

    *Outer = 0;
    *Inner = 0;
    KeAcquireSpinLock(Outer, &Old);
    KeAcquireSpinLockAtDpcLevel(Inner);
    KeReleaseSpinLockFromDpcLevel(Inner);
    KeReleaseSpinLock(Outer, Old);
}

static VOID CheckLocks(VOID)
{
    KLOCK_QUEUE_HANDLE Handle;
    PKSPIN_LOCK Outer[5], Inner[5];
    ULONG Round;

    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, sizeof(KSPIN_LOCK) * 4, TAG, 0);
    for (Round = 0; Round < 2; Round++) {
        Outer[Round] = (PKSPIN_LOCK)ExAllocateFromLookasideListEx(&List) + 2;
        Inner[Round] = (PKSPIN_LOCK)ExAllocateFromLookasideListEx(&List) + 2;
        TakeLocksOf(Outer[Round], Inner[Round]);
        ExFreeToLookasideListEx(&List, Outer[Round] - 2);
        ExFreeToLookasideListEx(&List, Inner[Round] - 2);
    }
    ExDeleteLookasideListEx(&List);
    ExInitializeNPagedLookasideList(&NPaged, NULL, NULL, 0, sizeof(KSPIN_LOCK) * 4, TAG, 0);
    for (Round = 2; Round < 5; Round++) {
        Outer[Round] = (PKSPIN_LOCK)ExAllocateFromNPagedLookasideList(&NPaged) + 2;
        Inner[Round] = (PKSPIN_LOCK)ExAllocateFromNPagedLookasideList(&NPaged) + 2;
        if (Round < 4) {
            TakeLocksOf(Outer[Round], Inner[Round]);
        } else {
            *Outer[Round] = 0;
            KeAcquireInStackQueuedSpinLock(Outer[Round], &Handle);
            KeReleaseInStackQueuedSpinLock(&Handle);
        }
        ExFreeToNPagedLookasideList(&NPaged, Outer[Round] - 2);
        ExFreeToNPagedLookasideList(&NPaged, Inner[Round] - 2);
    }
    ExDeleteNPagedLookasideList(&NPaged);
    DbgPrint("locks: swapped=%u %u\n", Outer[0] == Inner[1] && Inner[0] == Outer[1],
             Outer[2] == Inner[3] && Inner[2] == Outer[3]);
}

static VOID CheckNew(VOID)
{
    NTSTATUS Status;

    RtlFillMemory(&List, sizeof(List), 0xEE);
    Status = ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, LENGTH, 'weNL', 0);
    DbgPrint("new: status=%x maximum=%u type=%u size=%u tag=%u\n", Status, List.L.MaximumDepth, List.L.Type,
             List.L.Size, List.L.Tag == 'weNL');
    TELL("new-counts", List);
    DbgPrint("defaults: allocate=%u free=%u\n", (PVOID)List.L.AllocateEx == Routine(L"ExAllocatePoolWithTag"),
             (PVOID)List.L.FreeEx == Routine(L"ExFreePool"));
    ExDeleteLookasideListEx(&List);
}

static VOID CheckStatus(VOID)
{
    static const ULONG Types[] = {0, 1, 4, 5, 512, 516, 3, 7, 8 + 1, 16 + 512, 1024 + 1, 0x80, 0xFFFFFFFF};
    ULONG Index;

    for (Index = 0; Index < sizeof(Types) / sizeof(Types[0]); Index++) {
        NTSTATUS Status = ExInitializeLookasideListEx(&List, NULL, NULL, Types[Index], 0, LENGTH, TAG, 0);

        DbgPrint("type-%u: %x\n", Types[Index], Status);
        if (NT_SUCCESS(Status)) {
            ExDeleteLookasideListEx(&List);
        }
    }
    for (Index = 0; Index < 6; Index++) {
        NTSTATUS Status =
            ExInitializeLookasideListEx(&List, AllocateExtended, NULL, NonPagedPoolNx, Index, LENGTH, TAG, 0);

        DbgPrint("flags-%u: %x\n", Index, Status);
        if (NT_SUCCESS(Status)) {
            ExDeleteLookasideListEx(&List);
        }
    }
}

#define TAKE(Of) ExAllocateFromLookasideListEx(Of)
#define GIVE(Of, Entry) ExFreeToLookasideListEx(Of, Entry)

static VOID CheckOrder(VOID)
{
    PUCHAR One, Two, Three, Again[3];

    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, LENGTH, 'drOL', 0);
    One = TAKE(&List);
    Two = TAKE(&List);
    Three = TAKE(&List);
    TELL("order-taken", List);
    RtlFillMemory(One, LENGTH, 0x5A);
    GIVE(&List, Three);
    GIVE(&List, Two);
    GIVE(&List, One);
    TELL("order-given", List);
    Again[0] = TAKE(&List);
    Again[1] = TAKE(&List);
    Again[2] = TAKE(&List);
    DbgPrint("order: first=%u second=%u third=%u\n", Again[0] == One, Again[1] == Two, Again[2] == Three);
    DbgPrint("contents: kept=%u\n", IsAll(One + sizeof(SLIST_ENTRY), LENGTH - sizeof(SLIST_ENTRY), 0x5A));
    TELL("order-again", List);
    GIVE(&List, One);
    GIVE(&List, Two);
    GIVE(&List, Three);
    ExFlushLookasideListEx(&List);
    TELL("flushed", List);
    One = TAKE(&List);
    GIVE(&List, One);
    TELL("after-flush", List);
    ExDeleteLookasideListEx(&List);
}

static VOID CheckFull(VOID)
{
    PVOID Entries[6];
    ULONG Index;

    Forget();
    ExInitializeLookasideListEx(&List, AllocateExtended, FreeExtended, NonPagedPoolNx, 0, LENGTH, 'luFL', 0);
    for (Index = 0; Index < 6; Index++) {
        Entries[Index] = TAKE(&List);
    }
    DbgPrint("empty: calls=%u\n", Allocated.Count);
    for (Index = 0; Index < 5; Index++) {
        GIVE(&List, Entries[Index]);
    }
    DbgPrint("full: calls=%u last=%u list=%u\n", Freed.Count, Freed.Entry == Entries[4], Freed.List == &List);
    GIVE(&List, Entries[5]);
    TELL("full-counts", List);
    Entries[0] = TAKE(&List);
    DbgPrint("not-empty: calls=%u last=%u\n", Allocated.Count, Entries[0] == Entries[3]);
    GIVE(&List, Entries[0]);
    ExDeleteLookasideListEx(&List);
    DbgPrint("deleted: calls=%u list=%u\n", Freed.Count, Freed.List == &List);
}

static VOID CheckRoutines(VOID)
{
    static const ULONG Flags[] = {0, RAISING, NOT_RAISING};
    PVOID Entry;
    KIRQL Irql;
    ULONG Index;

    for (Index = 0; Index < 3; Index++) {
        Forget();
        ExInitializeLookasideListEx(&List, AllocateExtended, FreeExtended, PagedPool, Flags[Index], LENGTH, TAG, 0);
        Entry = TAKE(&List);
        DbgPrint("extended-%u: type=%u size=%u tag=%u list=%u irql=%u\n", Flags[Index], Allocated.Type,
                 (ULONG)Allocated.Size, Allocated.Tag == TAG, Allocated.List == &List, Allocated.Irql);
        Refuse = TRUE;
        DbgPrint("refused-%u: %p\n", Flags[Index], TAKE(&List));
        Refuse = FALSE;
        GIVE(&List, Entry);
        ExDeleteLookasideListEx(&List);
        DbgPrint("extended-free-%u: entry=%u list=%u irql=%u\n", Flags[Index], Freed.Entry == Entry,
                 Freed.List == &List, Freed.Irql);
    }

    Forget();
    ExInitializeLookasideListEx(&List, AllocateExtended, FreeExtended, NonPagedPoolNx, 0, LENGTH, TAG, 0);
    Irql = KeRaiseIrqlToDpcLevel();
    Entry = TAKE(&List);
    GIVE(&List, Entry);
    ExFlushLookasideListEx(&List);
    KeLowerIrql(Irql);
    DbgPrint("raised: allocate=%u free=%u\n", Allocated.Irql, Freed.Irql);

    Forget();
    Nest = TRUE;
    Entry = TAKE(&List);
    Nest = FALSE;
    DbgPrint("nested: deepest=%u calls=%u\n", Allocated.Deepest, Allocated.Count);
    GIVE(&List, Entry);
    ExDeleteLookasideListEx(&List);

    ExInitializeLookasideListEx(&Owner.List, AllocateOwned, FreeOwned, PagedPool, 0, LENGTH, TAG, 0);
    GIVE(&Owner.List, TAKE(&Owner.List));
    ExDeleteLookasideListEx(&Owner.List);
    DbgPrint("owner: allocated=%u freed=%u\n", Owner.Allocated, Owner.Freed);
}

static VOID CheckNPaged(VOID)
{
    static const ULONG Flags[] = {0, POOL_RAISE_IF_ALLOCATION_FAILURE, POOL_NX_ALLOCATION,
                                  POOL_RAISE_IF_ALLOCATION_FAILURE | POOL_NX_ALLOCATION};
    PVOID Entries[6];
    ULONG Index;

    for (Index = 0; Index < 4; Index++) {
        Forget();
        ExInitializeNPagedLookasideList(&NPaged, AllocatePlain, FreePlain, Flags[Index], LENGTH, TAG, 0);
        ExFreeToNPagedLookasideList(&NPaged, ExAllocateFromNPagedLookasideList(&NPaged));
        ExDeleteNPagedLookasideList(&NPaged);
        DbgPrint("npaged-%u: type=%u size=%u tag=%u freed=%u\n", Flags[Index], Allocated.Type, (ULONG)Allocated.Size,
                 Allocated.Tag == TAG, Freed.Count);
    }

    Forget();
    ExInitializeNPagedLookasideList(&NPaged, NULL, FreePlain, 0, LENGTH, 'apNL', 0);
    for (Index = 0; Index < 6; Index++) {
        Entries[Index] = ExAllocateFromNPagedLookasideList(&NPaged);
    }
    for (Index = 0; Index < 6; Index++) {
        ExFreeToNPagedLookasideList(&NPaged, Entries[Index]);
    }
    TELL("npaged-full", NPaged);
    DbgPrint("npaged-freed: calls=%u last=%u\n", Freed.Count, Freed.Entry == Entries[5]);
    ExDeleteNPagedLookasideList(&NPaged);
    DbgPrint("npaged-deleted: calls=%u\n", Freed.Count);

    ExInitializeNPagedLookasideList(&NPaged, NULL, NULL, 0, LENGTH, 'xeNL', 0);
    Entries[0] = ExAllocateFromNPagedLookasideList(&NPaged);
    WriteFunction(Entries[0]);
    DbgPrint("npaged-execute: %u\n", CallFunction(Entries[0]));
    ExFreeToNPagedLookasideList(&NPaged, Entries[0]);
    ExDeleteNPagedLookasideList(&NPaged);
}

static VOID CheckPaged(VOID)
{
    static const ULONG Flags[] = {0, POOL_RAISE_IF_ALLOCATION_FAILURE, POOL_NX_ALLOCATION};
    PVOID Entries[6];
    ULONG Index;

    for (Index = 0; Index < 3; Index++) {
        Forget();
        ExInitializePagedLookasideList(&Paged, AllocatePlain, FreePlain, Flags[Index], LENGTH, TAG, 0);
        ExFreeToPagedLookasideList(&Paged, ExAllocateFromPagedLookasideList(&Paged));
        ExDeletePagedLookasideList(&Paged);
        DbgPrint("paged-%u: type=%u size=%u tag=%u freed=%u\n", Flags[Index], Allocated.Type, (ULONG)Allocated.Size,
                 Allocated.Tag == TAG, Freed.Count);
    }

    ExInitializePagedLookasideList(&Paged, NULL, NULL, 0, LENGTH, 'gaPL', 0);
    for (Index = 0; Index < 6; Index++) {
        Entries[Index] = ExAllocateFromPagedLookasideList(&Paged);
    }
    for (Index = 0; Index < 6; Index++) {
        ExFreeToPagedLookasideList(&Paged, Entries[Index]);
    }
    TELL("paged-full", Paged);
    ExDeletePagedLookasideList(&Paged);
}

/* The inline code of older headers, on a list that exported routines work on too. */
static VOID CheckInline(VOID)
{
    PVOID Entries[6];
    ULONG Index;

    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, LENGTH, 'xInL', 0);
    for (Index = 0; Index < 6; Index++) {
        Entries[Index] = InlineAllocateFromLookasideListEx(&List);
    }
    for (Index = 0; Index < 6; Index++) {
        InlineFreeToLookasideListEx(&List, Entries[Index]);
    }
    TELL("inline-extended", List);
    DbgPrint("mixed: last=%u\n", ExAllocateFromLookasideListEx(&List) == Entries[3]);
    InlineFreeToLookasideListEx(&List, Entries[3]);
    ExDeleteLookasideListEx(&List);

    ExInitializeNPagedLookasideList(&NPaged, AllocatePlain, FreePlain, POOL_NX_ALLOCATION, LENGTH, 'nInL', 0);
    Forget();
    Entries[0] = InlineAllocateFromNPagedLookasideList(&NPaged);
    InlineFreeToNPagedLookasideList(&NPaged, Entries[0]);
    TELL("inline-npaged", NPaged);
    ExDeleteNPagedLookasideList(&NPaged);
    DbgPrint("inline-routines: allocated=%u freed=%u\n", Allocated.Count, Freed.Count);

    ExInitializePagedLookasideList(&Paged, NULL, NULL, 0, LENGTH, 'pInL', 0);
    Entries[0] = InlineAllocateFromPagedLookasideList(&Paged);
    InlineFreeToPagedLookasideList(&Paged, Entries[0]);
    TELL("inline-paged", Paged);
    ExDeletePagedLookasideList(&Paged);
}

/* A head that the driver empties by its own hand: what was idle is the driver's again. */
static VOID CheckByHand(VOID)
{
    PVOID Entry;

    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, LENGTH, TAG, 0);
    Entry = TAKE(&List);
    GIVE(&List, Entry);
    InitializeSListHead(&List.L.ListHead);
    GIVE(&List, Entry);
    InitializeSListHead(&List.L.ListHead);
    ExFreePoolWithTag(Entry, TAG);
    ExDeleteLookasideListEx(&List);
    DbgPrint("by-hand: done\n");
}

static struct {
    SLIST_ENTRY Link;
    ULONG Number;
} Items[4];

static VOID CheckSList(VOID)
{
    static SLIST_HEADER Head;
    PSLIST_ENTRY Before[3], Popped[2], Flushed;

    RtlFillMemory(&Head, sizeof(Head), 0xEE);
    InitializeSListHead(&Head);
    DbgPrint("slist-new: depth=%u first=%p pop=%p\n", ExQueryDepthSList(&Head), FirstEntrySList(&Head),
             InterlockedPopEntrySList(&Head));
    Before[0] = InterlockedPushEntrySList(&Head, &Items[0].Link);
    Before[1] = InterlockedPushEntrySList(&Head, &Items[1].Link);
    Items[2].Link.Next = &Items[3].Link;
    Before[2] = InterlockedPushListSList(&Head, &Items[2].Link, &Items[3].Link, 2);
    DbgPrint("slist-pushed: depth=%u before=%u %u %u first=%u\n", ExQueryDepthSList(&Head), Before[0] == NULL,
             Before[1] == &Items[0].Link, Before[2] == &Items[1].Link, FirstEntrySList(&Head) == &Items[2].Link);
    Popped[0] = InterlockedPopEntrySList(&Head);
    Popped[1] = InterlockedPopEntrySList(&Head);
    DbgPrint("slist-popped: first=%u second=%u\n", Popped[0] == &Items[2].Link, Popped[1] == &Items[3].Link);
    Flushed = InterlockedFlushSList(&Head);
    DbgPrint("slist-flushed: first=%u next=%u last=%p depth=%u\n", Flushed == &Items[1].Link,
             Flushed->Next == &Items[0].Link, Items[0].Link.Next, ExQueryDepthSList(&Head));
}

static VOID Wait(LONG Milliseconds)
{
    LARGE_INTEGER Interval;

    Interval.QuadPart = -(LONGLONG)Milliseconds * 10000;
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
}

/* Takes and gives back so many entries at once. */
static VOID Churn(ULONG Count)
{
    static PVOID Entries[64];
    ULONG Index;

    for (Index = 0; Index < Count; Index++) {
        Entries[Index] = TAKE(&List);
    }
    for (Index = 0; Index < Count; Index++) {
        GIVE(&List, Entries[Index]);
    }
}

static VOID CheckDepth(VOID)
{
    Forget();
    ExInitializeLookasideListEx(&List, AllocateExtended, FreeExtended, PagedPool, 0, LENGTH, TAG, 0);
    Churn(64);
    Wait(999);
    TELL("demand-early", List);
    Wait(1);
    TELL("demand-1", List);
    Churn(64);
    ExAdjustLookasideDepth();
    Churn(64);
    ExAdjustLookasideDepth();
    Churn(64);
    ExAdjustLookasideDepth();
    TELL("demand-4", List);
    Churn(64);
    Forget();
    TELL("demand-full", List);
    ExAdjustLookasideDepth();
    ExAdjustLookasideDepth();
    ExAdjustLookasideDepth();
    TELL("demand-fell", List);
    DbgPrint("demand-surplus: calls=%u\n", Freed.Count);
    Wait(10000);
    TELL("demand-gone", List);
    DbgPrint("demand-surplus-gone: calls=%u\n", Freed.Count);
    ExDeleteLookasideListEx(&List);
    List.L.TotalAllocates += 1000;
    List.L.AllocateMisses += 1000;
    ExAdjustLookasideDepth();
    DbgPrint("unregistered: depth=%u\n", List.L.Depth);
}

/* What may be done at DISPATCH_LEVEL, and at APC_LEVEL with paged entries. */
static VOID CheckLevels(VOID)
{
    KIRQL Irql = KeRaiseIrqlToDpcLevel();

    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, LENGTH, TAG, 0);
    GIVE(&List, TAKE(&List));
    InlineFreeToLookasideListEx(&List, InlineAllocateFromLookasideListEx(&List));
    ExFlushLookasideListEx(&List);
    ExDeleteLookasideListEx(&List);
    ExInitializeNPagedLookasideList(&NPaged, NULL, NULL, 0, LENGTH, TAG, 0);
    ExFreeToNPagedLookasideList(&NPaged, ExAllocateFromNPagedLookasideList(&NPaged));
    ExDeleteNPagedLookasideList(&NPaged);
    ExInitializeLookasideListEx(&List, NULL, NULL, PagedPool, 0, LENGTH, TAG, 0);
    KeLowerIrql(Irql);

    Irql = KfRaiseIrql(APC_LEVEL);
    GIVE(&List, TAKE(&List));
    ExFlushLookasideListEx(&List);
    ExDeleteLookasideListEx(&List);
    ExInitializePagedLookasideList(&Paged, NULL, NULL, 0, LENGTH, TAG, 0);
    ExFreeToPagedLookasideList(&Paged, ExAllocateFromPagedLookasideList(&Paged));
    InlineFreeToPagedLookasideList(&Paged, InlineAllocateFromPagedLookasideList(&Paged));
    ExDeletePagedLookasideList(&Paged);
    KeLowerIrql(Irql);
    DbgPrint("levels: legal\n");
}

/* Every routine at a level that is too high for it; each has an entry in its list, so no pool is asked for. */
static VOID DoPaged(VOID)
{
    PVOID Entry;
    KIRQL Irql;

    ExInitializeLookasideListEx(&List, NULL, NULL, PagedPool, 0, LENGTH, TAG, 0);
    GIVE(&List, TAKE(&List));
    Irql = KeRaiseIrqlToDpcLevel();
    ExInitializePagedLookasideList(&Paged, NULL, NULL, 0, LENGTH, TAG, 0);
    Entry = ExAllocateFromLookasideListEx(&List);
    ExFreeToLookasideListEx(&List, Entry);
    Entry = InlineAllocateFromLookasideListEx(&List);
    InlineFreeToLookasideListEx(&List, Entry);
    KeLowerIrql(Irql);
    ExFlushLookasideListEx(&List);
    Entry = ExAllocateFromPagedLookasideList(&Paged);
    Irql = KeRaiseIrqlToDpcLevel();
    ExFlushLookasideListEx(&List);
    ExDeleteLookasideListEx(&List);
    ExFreeToPagedLookasideList(&Paged, Entry);
    Entry = ExAllocateFromPagedLookasideList(&Paged);
    KeLowerIrql(Irql);
    ExFreePoolWithTag(Entry, TAG);
    Irql = KeRaiseIrqlToDpcLevel();
    ExDeletePagedLookasideList(&Paged);
    KeLowerIrql(Irql);
}

static VOID DoNPaged(VOID)
{
    PVOID Entry;
    KIRQL Irql;

    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, LENGTH, TAG, 0);
    ExInitializeNPagedLookasideList(&NPaged, NULL, NULL, 0, LENGTH, 'NwoR', 0);
    GIVE(&List, TAKE(&List));
    ExFreeToNPagedLookasideList(&NPaged, ExAllocateFromNPagedLookasideList(&NPaged));
    Irql = KfRaiseIrql(DISPATCH_LEVEL + 1);
    Entry = ExAllocateFromLookasideListEx(&List);
    ExFreeToLookasideListEx(&List, Entry);
    Entry = ExAllocateFromNPagedLookasideList(&NPaged);
    ExFreeToNPagedLookasideList(&NPaged, Entry);
    Entry = InlineAllocateFromLookasideListEx(&List);
    InlineFreeToLookasideListEx(&List, Entry);
    KeLowerIrql(Irql);
    ExFlushLookasideListEx(&List);
    ExFreePoolWithTag(ExAllocateFromNPagedLookasideList(&NPaged), 'NwoR');
    Irql = KfRaiseIrql(DISPATCH_LEVEL + 1);
    ExFlushLookasideListEx(&List);
    ExDeleteLookasideListEx(&List);
    ExDeleteNPagedLookasideList(&NPaged);
    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, LENGTH, TAG, 0);
    ExInitializeNPagedLookasideList(&NPaged, NULL, NULL, 0, LENGTH, TAG, 0);
    KeLowerIrql(Irql);
    ExDeleteLookasideListEx(&List);
    ExDeleteNPagedLookasideList(&NPaged);
}

/* Arguments that must not be; each list is used all the same. */
static VOID DoArguments(VOID)
{
    static DECLSPEC_ALIGN(16) UCHAR Room[sizeof(LOOKASIDE_LIST_EX) + 8];
    PLOOKASIDE_LIST_EX Other = (PLOOKASIDE_LIST_EX)(Room + 8);
    PNPAGED_LOOKASIDE_LIST Pageable = ExAllocatePoolWithTag(PagedPool, sizeof(*Pageable), TAG);

    HIDE(Other);
    ExInitializeLookasideListEx(Other, NULL, NULL, NonPagedPoolNx, 0, LENGTH, TAG, 0); HERE();
    GIVE(Other, TAKE(Other));
    ExDeleteLookasideListEx(Other);
    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, LENGTH, TAG, 5); HERE();
    DbgPrint("depth-extended: %u\n", List.L.Depth);
    ExDeleteLookasideListEx(&List);
    ExInitializeNPagedLookasideList(&NPaged, NULL, NULL, 0, LENGTH, TAG, 6); HERE();
    DbgPrint("depth-npaged: %u\n", NPaged.L.Depth);
    ExDeleteNPagedLookasideList(&NPaged);
    ExInitializePagedLookasideList(&Paged, NULL, NULL, 0, LENGTH, TAG, 7); HERE();
    DbgPrint("depth-paged: %u\n", Paged.L.Depth);
    ExDeletePagedLookasideList(&Paged);
    ExInitializeNPagedLookasideList(&NPaged, NULL, NULL, 8 | POOL_NX_ALLOCATION, LENGTH, TAG, 0); HERE();
    DbgPrint("flags-npaged: %u\n", NPaged.L.Type);
    ExDeleteNPagedLookasideList(&NPaged);
    ExInitializePagedLookasideList(&Paged, NULL, NULL, 8, LENGTH, TAG, 0); HERE();
    DbgPrint("flags-paged: %u\n", Paged.L.Type);
    ExDeletePagedLookasideList(&Paged);
    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, NOT_RAISING, LENGTH, TAG, 0); HERE();
    ExDeleteLookasideListEx(&List);
    ExInitializeNPagedLookasideList(Pageable, NULL, NULL, POOL_NX_ALLOCATION, LENGTH, TAG, 0); HERE();
    ExDeleteNPagedLookasideList(Pageable);
    ExFreePoolWithTag(Pageable, TAG);
}

static VOID NOINLINE Execute(PVOID Block)
{
    WriteFunction(Block);
    CallFunction(Block);
}

/* Allocations that fail, and memory that can't be executed: what comes behind is never reached. */
static VOID DoCase(PUNICODE_STRING RegistryPath)
{
    if (IsNamed(RegistryPath, L"raise")) {
        ExInitializeLookasideListEx(&List, NULL, NULL, PagedPool, RAISING, TOO_LARGE, TAG, 0);
        TAKE(&List); HERE();
    } else if (IsNamed(RegistryPath, L"raise-inline")) {
        ExInitializeLookasideListEx(&List, NULL, NULL, PagedPool, RAISING, TOO_LARGE, TAG, 0);
        InlineAllocateFromLookasideListEx(&List); HERE();
    } else if (IsNamed(RegistryPath, L"raise-npaged")) {
        ExInitializeNPagedLookasideList(&NPaged, NULL, NULL, POOL_RAISE_IF_ALLOCATION_FAILURE, TOO_LARGE, TAG, 0);
        ExAllocateFromNPagedLookasideList(&NPaged); HERE();
    } else if (IsNamed(RegistryPath, L"raise-paged")) {
        ExInitializePagedLookasideList(&Paged, NULL, NULL, POOL_RAISE_IF_ALLOCATION_FAILURE, TOO_LARGE, TAG, 0);
        ExAllocateFromPagedLookasideList(&Paged); HERE();
    } else if (IsNamed(RegistryPath, L"execute-nx")) {
        ExInitializeNPagedLookasideList(&NPaged, NULL, NULL, POOL_NX_ALLOCATION, LENGTH, TAG, 0);
        Execute(ExAllocateFromNPagedLookasideList(&NPaged)); HERE();
    } else if (IsNamed(RegistryPath, L"execute-paged")) {
        ExInitializePagedLookasideList(&Paged, NULL, NULL, 0, LENGTH, TAG, 0);
        Execute(ExAllocateFromPagedLookasideList(&Paged)); HERE();
    } else if (IsNamed(RegistryPath, L"misaligned-head")) {
        static DECLSPEC_ALIGN(16) UCHAR Room[32];
        PSLIST_HEADER Head = (PSLIST_HEADER)(Room + 8);

        HIDE(Head);
        InitializeSListHead(Head); HERE();
    }
    DbgPrint("survived: yes\n");
}

/* A flag that Windows 7 does not know. */
static VOID DoOldFlags(VOID)
{
    ExInitializeNPagedLookasideList(&NPaged, NULL, NULL, POOL_RAISE_IF_ALLOCATION_FAILURE, LENGTH, TAG, 0); HERE();
    ExInitializePagedLookasideList(&Paged, NULL, NULL, POOL_RAISE_IF_ALLOCATION_FAILURE, LENGTH, TAG, 0); HERE();
    DbgPrint("old-flags: npaged=%u paged=%u\n", NPaged.L.Type, Paged.L.Type);
    ExDeleteNPagedLookasideList(&NPaged);
    ExDeletePagedLookasideList(&Paged);
}

/* Without a flag a failed allocation gives nothing. */
static VOID CheckFailure(VOID)
{
    ExInitializeLookasideListEx(&List, NULL, NULL, PagedPool, 0, TOO_LARGE, TAG, 0);
    ExInitializeNPagedLookasideList(&NPaged, NULL, NULL, 0, TOO_LARGE, TAG, 0);
    ExInitializePagedLookasideList(&Paged, NULL, NULL, 0, TOO_LARGE, TAG, 0);
    DbgPrint("failed: extended=%p npaged=%p paged=%p inline=%p\n", TAKE(&List),
             ExAllocateFromNPagedLookasideList(&NPaged), ExAllocateFromPagedLookasideList(&Paged),
             InlineAllocateFromLookasideListEx(&List));
    TELL("failed-counts", List);
    ExDeleteLookasideListEx(&List);
    ExDeleteNPagedLookasideList(&NPaged);
    ExDeletePagedLookasideList(&Paged);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"observe")) {
        CheckNew();
        CheckStatus();
        CheckOrder();
        CheckFull();
        CheckRoutines();
        CheckNPaged();
        CheckPaged();
        CheckInline();
        CheckByHand();
        CheckSList();
        CheckDepth();
        CheckLevels();
        CheckLocks();
        CheckFailure();
    } else if (IsNamed(RegistryPath, L"paged-levels")) {
        DoPaged();
    } else if (IsNamed(RegistryPath, L"npaged-levels")) {
        DoNPaged();
    } else if (IsNamed(RegistryPath, L"arguments")) {
        DoArguments();
    } else if (IsNamed(RegistryPath, L"old-flags")) {
        DoOldFlags();
    } else {
        DoCase(RegistryPath);
    }
    return STATUS_SUCCESS;
}
