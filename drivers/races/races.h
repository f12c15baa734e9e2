/*
 * What the drivers with races share: two threads that begin together, and the wait for both to end.
 *
 * A race needs two threads in one certain order, so one run seldom shows it; a search over schedules does. Each NAME.c has
 * its NAME-twin.c, which differs by what the race lacks.
 */
#ifndef NTPOOL_DRIVERS_RACES_H
#define NTPOOL_DRIVERS_RACES_H

#include "kernel.h"

#define TAG 'ecaR' /* Race */

static PKTHREAD Threads[2];

static NTSTATUS Begin(ULONG Index, PKSTART_ROUTINE Routine)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, &Attributes, NULL, NULL, Routine, NULL);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, NULL, KernelMode, (PVOID *)&Threads[Index], NULL);
    ZwClose(Handle);
    return Status;
}

/* Waits for both threads: only then may the code that they run go. */
static VOID WaitForBoth(VOID)
{
    for (ULONG Index = 0; Index < 2; Index++) {
        if (Threads[Index] != NULL) {
            KeWaitForSingleObject(Threads[Index], Executive, KernelMode, FALSE, NULL);
            ObDereferenceObject(Threads[Index]);
        }
    }
}

#endif
