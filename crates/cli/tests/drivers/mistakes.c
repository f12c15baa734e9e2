/*
 * Makes one mistake after the other, each somewhere else: on entry, in a thread, in a deferred procedure call, in an
 * exception handler, in a timer, on unload. What it can't have it does without, and says so.
 */
#include "join.h"
#include "seh.h"

#define TAG 'tsiM' /* Mist */
#define LARGE (40 * PAGE_SIZE)

static KTIMER Timer;
static KDPC TimerDpc;
static KDPC Dpc;
static KEVENT Rung;
static PVOID Threads[2];
static PVOID Kept[8];

/* Each caller is a place of its own, so each is a finding of its own. */
static VOID FreeTwice(SIZE_T Size)
{
    PVOID Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, Size, TAG);

    if (Block == NULL) {
        DbgPrint("refused a block\n");
        return;
    }
    ExFreePoolWithTag(Block, TAG);
    HIDE(Block);
    ExFreePoolWithTag(Block, TAG); HERE();
}

static VOID NTAPI Call(PKDPC Self, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Self);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
    FreeTwice(40); HERE();
}

static VOID NTAPI Ring(PKDPC Self, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Self);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
    FreeTwice(56); HERE();
    KeSetEvent(&Rung, 0, FALSE);
}

static VOID NOINLINE Look(ULONG_PTR Address)
{
    volatile ULONG *Nowhere = (volatile ULONG *)Address;

    HIDE(Nowhere);
    (void)*Nowhere;
}

static VOID SCOPED NTAPI First(PVOID Context)
{
    UNUSED(Context);
    FreeTwice(72); HERE();
    TRY_ALWAYS(FirstLook, Look(0x18), FreeTwice(88));
    KeWaitForSingleObject(&Rung, Executive, KernelMode, FALSE, NULL);
    FreeTwice(104); HERE();
}

static VOID NTAPI Second(PVOID Context)
{
    LARGE_INTEGER Moment;

    UNUSED(Context);
    Moment.QuadPart = -20000;
    KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    FreeTwice(120); HERE();
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeWaitForSingleObject(&Rung, Executive, KernelMode, FALSE, NULL);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    for (ULONG Place = 0; Place < 2; Place++) {
        if (Threads[Place] != NULL) {
            JoinThread(Threads[Place]);
        }
    }
    KeCancelTimer(&Timer);
    KeFlushQueuedDpcs();
    FreeTwice(136); HERE();
    /* The first one is left behind. */
    for (ULONG Place = 1; Place < 8; Place++) {
        if (Kept[Place] != NULL) {
            ExFreePoolWithTag(Kept[Place], TAG);
        }
    }
}

static PVOID Start(PKSTART_ROUTINE Routine)
{
    PVOID Thread = NULL;
    HANDLE Handle;
    NTSTATUS Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, NULL);

    if (!NT_SUCCESS(Status)) {
        DbgPrint("refused a thread: 0x%08x\n", Status);
        return NULL;
    }
    ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &Thread, NULL);
    ZwClose(Handle);
    return Thread;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    LARGE_INTEGER Due;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeEvent(&Rung, NotificationEvent, FALSE);
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&TimerDpc, Ring, NULL);
    KeInitializeDpc(&Dpc, Call, NULL);
    FreeTwice(24); HERE();
    for (ULONG Place = 0; Place < 8; Place++) {
        Kept[Place] = ExAllocatePool2(Place % 2 ? POOL_FLAG_PAGED : POOL_FLAG_NON_PAGED, LARGE + Place, TAG);
        if (Kept[Place] == NULL) {
            DbgPrint("refused a block\n");
        }
    }
    Threads[0] = Start(First);
    Threads[1] = Start(Second);
    Due.QuadPart = -50000;
    KeSetTimer(&Timer, Due, &TimerDpc);
    return STATUS_SUCCESS;
}
