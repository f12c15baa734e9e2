/* Waits for calls that are under way before it frees what they use. */
#include "kernel.h"

#define TAG 'ecaR' /* Race */

static KTIMER Timer;
static KDPC Dpc;
static volatile LONG *Ticks;

static VOID NTAPI Tick(PKDPC Self, PVOID Context, PVOID First, PVOID Second)
{
    LARGE_INTEGER Now;

    UNUSED(Self);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
    KeQuerySystemTime(&Now);
    __sync_fetch_and_add(Ticks, 1); HERE();
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeCancelTimer(&Timer);
    KeFlushQueuedDpcs();
    ExFreePoolWithTag((PVOID)Ticks, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    LARGE_INTEGER Due;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    /* A page of its own, so that it is gone once it is freed. */
    Ticks = ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE * 2, TAG);
    if (Ticks == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&Dpc, Tick, NULL);
    Due.QuadPart = -10000;
    KeSetTimerEx(&Timer, Due, 1, &Dpc);
    return STATUS_SUCCESS;
}
