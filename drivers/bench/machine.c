/*
 * What is measured of the machine beside calls and pool: exceptions, threads that hand over, waits, timers, deferred work
 * and locks.
 *
 * Whatever a run of many needs beside its steps, threads and objects, a run of none makes as well.
 */
#include "bench.h"
#include "join.h"
#include "seh.h"

/* Units of 100 ns in ten minutes. */
#define TEN_MINUTES (600LL * 10000000)

/* ── Threads ────────────────────────────────────────────────────────────────────────────────────────────────────────── */

static ULONG64 CallsOfEach;

static VOID NTAPI CallOn(PVOID Context)
{
    ULONG64 Left = CallsOfEach;

    UNUSED(Context);
    while (Left-- != 0) {
        (VOID)KeGetCurrentIrql();
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Calls that do nothing, by two threads at a time: which of them goes on after each is up to the schedule. */
NTSTATUS TakeTurns(SIZE_T Size, ULONG64 Count)
{
    PVOID Threads[2];
    ULONG Place;

    UNUSED(Size);
    CallsOfEach = Count / 2;
    for (Place = 0; Place < 2; Place++) {
        Threads[Place] = StartThread(CallOn, NULL);
        if (Threads[Place] == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    for (Place = 0; Place < 2; Place++) {
        JoinThread(Threads[Place]);
    }
    return STATUS_SUCCESS;
}

static VOID NTAPI EndAtOnce(PVOID Context)
{
    UNUSED(Context);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

NTSTATUS StartThreads(SIZE_T Size, ULONG64 Count)
{
    UNUSED(Size);
    while (Count-- != 0) {
        PVOID Thread = StartThread(EndAtOnce, NULL);

        if (Thread == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        JoinThread(Thread);
    }
    return STATUS_SUCCESS;
}

static KEVENT Ping, Pong;

static VOID NTAPI Answer(PVOID Context)
{
    ULONG64 Left = CallsOfEach;

    UNUSED(Context);
    while (Left-- != 0) {
        WaitFor(&Ping);
        KeSetEvent(&Pong, IO_NO_INCREMENT, FALSE);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Signals that each wake a thread, there and back. */
NTSTATUS PingPong(SIZE_T Size, ULONG64 Count)
{
    PVOID Thread;
    ULONG64 Left;

    UNUSED(Size);
    CallsOfEach = Count / 2;
    KeInitializeEvent(&Ping, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Pong, SynchronizationEvent, FALSE);
    Thread = StartThread(Answer, NULL);
    if (Thread == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (Left = CallsOfEach; Left != 0; Left--) {
        KeSetEvent(&Ping, IO_NO_INCREMENT, FALSE);
        WaitFor(&Pong);
    }
    JoinThread(Thread);
    return STATUS_SUCCESS;
}

/* ── Time ───────────────────────────────────────────────────────────────────────────────────────────────────────────── */

NTSTATUS WaitTenMinutes(SIZE_T Size, ULONG64 Count)
{
    UNUSED(Size);
    while (Count-- != 0) {
        Sleep(-TEN_MINUTES);
    }
    return STATUS_SUCCESS;
}

/*
 * Sets timers of so many, one after the other and then the first again, each for a time within a tenth of a second; those
 * times are in no order. At the end of each round Expire lets all of them expire.
 */
static NTSTATUS SetAround(SIZE_T TimerCount, ULONG64 Count, BOOLEAN Expire)
{
    PKTIMER Timers = ExAllocatePool2(POOL_FLAG_NON_PAGED, TimerCount * sizeof(KTIMER), TAG);
    LARGE_INTEGER Due;
    SIZE_T Place;

    if (Timers == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (Place = 0; Place < TimerCount; Place++) {
        KeInitializeTimer(&Timers[Place]);
    }
    for (Place = 0; Count != 0; Count--) {
        Due.QuadPart = -1 - (LONG64)(Place * 7919 % 1000000);
        KeSetTimer(&Timers[Place], Due, NULL);
        Place++;
        if (Place == TimerCount) {
            Place = 0;
            if (Expire) {
                Sleep(MILLISECONDS(100));
            }
        }
    }
    for (Place = 0; Place < TimerCount; Place++) {
        KeCancelTimer(&Timers[Place]);
    }
    ExFreePool(Timers);
    return STATUS_SUCCESS;
}

NTSTATUS SetTimers(SIZE_T Size, ULONG64 Count)
{
    return SetAround(Size, Count, FALSE);
}

NTSTATUS ExpireTimers(SIZE_T Size, ULONG64 Count)
{
    return SetAround(Size, Count, TRUE);
}

/* ── Deferred work ──────────────────────────────────────────────────────────────────────────────────────────────────── */

static VOID NTAPI Nothing(PKDPC Dpc, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Dpc);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
}

/* Each has run when the call that queues it returns. */
NTSTATUS QueueDpcs(SIZE_T Size, ULONG64 Count)
{
    static KDPC Dpc;

    UNUSED(Size);
    KeInitializeDpc(&Dpc, Nothing, NULL);
    while (Count-- != 0) {
        if (!KeInsertQueueDpc(&Dpc, NULL, NULL)) {
            return STATUS_UNSUCCESSFUL;
        }
    }
    return STATUS_SUCCESS;
}

static VOID NTAPI SetPong(PVOID Context)
{
    UNUSED(Context);
    KeSetEvent(&Pong, IO_NO_INCREMENT, FALSE);
}

/* Each has run before the next one is queued. */
NTSTATUS QueueItems(SIZE_T Size, ULONG64 Count)
{
    static WORK_QUEUE_ITEM Item;

    UNUSED(Size);
    KeInitializeEvent(&Pong, SynchronizationEvent, FALSE);
    ExInitializeWorkItem(&Item, SetPong, NULL);
    while (Count-- != 0) {
        ExQueueWorkItem(&Item, DelayedWorkQueue);
        WaitFor(&Pong);
    }
    return STATUS_SUCCESS;
}

/* ── Locks ──────────────────────────────────────────────────────────────────────────────────────────────────────────── */

NTSTATUS SpinPairs(SIZE_T Size, ULONG64 Count)
{
    static KSPIN_LOCK Lock;
    KIRQL Level;

    UNUSED(Size);
    KeInitializeSpinLock(&Lock);
    while (Count-- != 0) {
        KeAcquireSpinLock(&Lock, &Level);
        KeReleaseSpinLock(&Lock, Level);
    }
    return STATUS_SUCCESS;
}

NTSTATUS MutexPairs(SIZE_T Size, ULONG64 Count)
{
    static KMUTEX Mutex;

    UNUSED(Size);
    KeInitializeMutex(&Mutex, 0);
    while (Count-- != 0) {
        WaitFor(&Mutex);
        KeReleaseMutex(&Mutex, FALSE);
    }
    return STATUS_SUCCESS;
}

NTSTATUS SharedPairs(SIZE_T Size, ULONG64 Count)
{
    static ERESOURCE Resource;

    UNUSED(Size);
    ExInitializeResourceLite(&Resource);
    KeEnterCriticalRegion();
    while (Count-- != 0) {
        ExAcquireResourceSharedLite(&Resource, TRUE);
        ExReleaseResourceLite(&Resource);
    }
    KeLeaveCriticalRegion();
    return ExDeleteResourceLite(&Resource);
}

/* ── Exceptions ─────────────────────────────────────────────────────────────────────────────────────────────────────── */

static ULONG64 Caught;

static VOID SCOPED RaiseOnce(VOID)
{
    TRY_ALWAYS(Raise, RtlRaiseStatus(STATUS_UNSUCCESSFUL), Caught++);
}

NTSTATUS Raise(SIZE_T Size, ULONG64 Count)
{
    ULONG64 Left;

    UNUSED(Size);
    for (Left = Count; Left != 0; Left--) {
        RaiseOnce();
    }
    return Caught == Count ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

static VOID NOINLINE Touch(ULONG64 Address)
{
    (VOID)*(volatile ULONG *)Address;
}

static VOID SCOPED FaultOnce(VOID)
{
    TRY_ALWAYS(Fault, Touch(0x10000), Caught++);
}

NTSTATUS Fault(SIZE_T Size, ULONG64 Count)
{
    ULONG64 Left;

    UNUSED(Size);
    for (Left = Count; Left != 0; Left--) {
        FaultOnce();
    }
    return Caught == Count ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}
