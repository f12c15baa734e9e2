/* System threads of a driver's own: started, and waited for until they have ended. */
#ifndef NTPOOL_DRIVERS_JOIN_H
#define NTPOOL_DRIVERS_JOIN_H

#include "kernel.h"

/* Units of 100 ns, as a relative time. */
#define MILLISECONDS(Count) (-10000LL * (Count))

/* Starts a thread and keeps a reference to it, and no handle. */
static inline PVOID StartThread(PKSTART_ROUTINE Routine, PVOID Context)
{
    HANDLE Handle;
    PVOID Thread;

    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, Context))) {
        return NULL;
    }
    ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &Thread, NULL);
    ZwClose(Handle);
    return Thread;
}

/* Waits for an object for as long as it takes. */
static inline NTSTATUS WaitFor(PVOID Object)
{
    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, NULL);
}

/* Waits for the end of a thread and gives the reference back. */
static inline VOID JoinThread(PVOID Thread)
{
    WaitFor(Thread);
    ObDereferenceObject(Thread);
}

/* Lets time pass. */
static inline VOID Sleep(LONG64 Interval)
{
    LARGE_INTEGER Time;

    Time.QuadPart = Interval;
    KeDelayExecutionThread(KernelMode, FALSE, &Time);
}

#endif
