/* Resources: who gets one, who waits, and what can be seen of it. */
#include "join.h"
#include "rows.h"

typedef BOOLEAN(NTAPI *ACQUIRE)(PERESOURCE Resource, BOOLEAN Wait);

/* What another thread asks for, and whether it got it. */
struct REQUEST {
    ACQUIRE Acquire;
    BOOLEAN Wait;
    volatile BOOLEAN Got;
};

static ERESOURCE Resource;

static VOID NTAPI Request(PVOID Context)
{
    struct REQUEST *Wanted = Context;

    KeEnterCriticalRegion();
    if (Wanted->Acquire(&Resource, Wanted->Wait)) {
        Wanted->Got = TRUE;
        ExReleaseResourceLite(&Resource);
    }
    KeLeaveCriticalRegion();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Whether another thread would get the resource now. */
static BOOLEAN Try(ACQUIRE Acquire)
{
    struct REQUEST Wanted = {Acquire, FALSE, FALSE};
    PVOID Thread = StartThread(Request, &Wanted);

    if (Thread == NULL) {
        return FALSE;
    }
    JoinThread(Thread);
    return Wanted.Got;
}

/* Starts a thread that waits for the resource, and lets it come that far. */
static PVOID StartWaiting(struct REQUEST *Wanted, ACQUIRE Acquire)
{
    PVOID Thread;

    Wanted->Acquire = Acquire;
    Wanted->Wait = TRUE;
    Wanted->Got = FALSE;
    Thread = StartThread(Request, Wanted);
    while (ExGetExclusiveWaiterCount(&Resource) + ExGetSharedWaiterCount(&Resource) == 0) {
        Sleep(MILLISECONDS(1));
    }
    return Thread;
}

static VOID Print(const char *Subject)
{
    DbgPrint("%s: exclusive=%u count=%u active=%d flag=%x\n", Subject, ExIsResourceAcquiredExclusiveLite(&Resource),
             ExIsResourceAcquiredSharedLite(&Resource), Resource.ActiveCount, Resource.Flag);
}

static VOID ExclusiveTwice(VOID)
{
    BOOLEAN Twice = ExAcquireResourceExclusiveLite(&Resource, FALSE) && ExAcquireResourceExclusiveLite(&Resource, FALSE);
    BOOLEAN After1;

    Print("exclusive-twice");
    ExReleaseResourceLite(&Resource);
    After1 = Try(ExAcquireResourceExclusiveLite);
    ExReleaseResourceLite(&Resource);
    DbgPrint("exclusive-released: twice=%u once=%u all=%u\n", Twice, After1, Try(ExAcquireResourceExclusiveLite));
    Print("free");
}

static VOID Upgrade(VOID)
{
    ExAcquireResourceSharedLite(&Resource, TRUE);
    DbgPrint("upgrade: got=%u\n", ExAcquireResourceExclusiveLite(&Resource, FALSE));
    DbgPrint("upgrade-try: got=%u\n", ExTryToAcquireResourceExclusiveLite(&Resource));
    ExReleaseResourceLite(&Resource);
}

static VOID ShareAsExclusive(VOID)
{
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExAcquireResourceSharedLite(&Resource, TRUE);
    Print("share-as-exclusive");
    DbgPrint("share-as-exclusive-other: got=%u\n", Try(ExAcquireResourceSharedLite));
    ExReleaseResourceLite(&Resource);
    ExReleaseResourceLite(&Resource);
}

static VOID BehindExclusive(VOID)
{
    struct REQUEST Exclusive;
    BOOLEAN Plain;
    BOOLEAN Starve;
    BOOLEAN Yield;
    BOOLEAN Again;
    BOOLEAN AgainYield;
    PVOID Thread;

    ExAcquireResourceSharedLite(&Resource, TRUE);
    Thread = StartWaiting(&Exclusive, ExAcquireResourceExclusiveLite);
    DbgPrint("waiters: exclusive=%u shared=%u\n", ExGetExclusiveWaiterCount(&Resource),
             ExGetSharedWaiterCount(&Resource));
    Plain = Try(ExAcquireResourceSharedLite);
    Starve = Try(ExAcquireSharedStarveExclusive);
    Yield = Try(ExAcquireSharedWaitForExclusive);
    Again = ExAcquireResourceSharedLite(&Resource, FALSE);
    AgainYield = ExAcquireSharedWaitForExclusive(&Resource, FALSE);
    DbgPrint("behind: plain=%u again=%u\n", Plain, Again);
    DbgPrint("behind-others: starve=%u yield=%u yield-again=%u\n", Starve, Yield, AgainYield);
    ExReleaseResourceLite(&Resource);
    DbgPrint("behind-before: got=%u\n", Exclusive.Got);
    ExReleaseResourceLite(&Resource);
    JoinThread(Thread);
    DbgPrint("behind-after: got=%u\n", Exclusive.Got);
}

static VOID Convert(VOID)
{
    struct REQUEST Shared;
    PVOID Thread;

    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    Thread = StartWaiting(&Shared, ExAcquireResourceSharedLite);
    DbgPrint("convert-before: got=%u\n", Shared.Got);
    ExConvertExclusiveToSharedLite(&Resource);
    JoinThread(Thread);
    DbgPrint("convert-after: got=%u\n", Shared.Got);
    Print("convert");
    ExReleaseResourceLite(&Resource);
}

static VOID GiveAway(VOID)
{
    PVOID Owner = (PVOID)((ULONG_PTR)&Resource | 3);

    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExSetResourceOwnerPointer(&Resource, Owner);
    Print("given-away");
    DbgPrint("given-away-other: got=%u\n", Try(ExAcquireResourceSharedLite));
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Owner);
    DbgPrint("given-back: got=%u\n", Try(ExAcquireResourceSharedLite));
}

static VOID Observe(VOID)
{
    DbgPrint("initialized: status=%x\n", ExInitializeResourceLite(&Resource));
    KeEnterCriticalRegion();
    ExclusiveTwice();
    Upgrade();
    ShareAsExclusive();
    BehindExclusive();
    Convert();
    GiveAway();
    KeLeaveCriticalRegion();
    DbgPrint("again: status=%x\n", ExReinitializeResourceLite(&Resource));
    ExDisableResourceBoostLite(&Resource);
    ExEnterCriticalRegionAndAcquireResourceShared(&Resource);
    Print("entered");
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(&Resource);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    DbgPrint("deleted: status=%x\n", ExDeleteResourceLite(&Resource));
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"not-initialized")) {
        KeEnterCriticalRegion();
        ExAcquireResourceSharedLite(&Resource, TRUE); HERE();
    } else if (IsNamed(RegistryPath, L"not-owned") || IsNamed(RegistryPath, L"not-a-thread")) {
        ExInitializeResourceLite(&Resource);
        DbgPrint("released: resource=%p thread=%p\n", &Resource, KeGetCurrentThread());
        KeEnterCriticalRegion();
        if (IsNamed(RegistryPath, L"not-a-thread")) {
            ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)0x1230); HERE();
        }
        ExReleaseResourceLite(&Resource); HERE();
    } else {
        Observe();
    }
    return STATUS_SUCCESS;
}
