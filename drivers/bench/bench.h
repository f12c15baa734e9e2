/* What the driver for measurements does many times: one routine for each word of its name. */
#ifndef NTPOOL_DRIVERS_BENCH_H
#define NTPOOL_DRIVERS_BENCH_H

#include "kernel.h"

#define TAG 'hcnB'

/* Does it so often. Size is that of a block, or how many timers there are; most have no use for it. */
typedef NTSTATUS STEP(SIZE_T Size, ULONG64 Count);

/* machine.c: threads, waits, time, work and exceptions. */
STEP TakeTurns, PingPong, SetTimers, ExpireTimers, StartThreads, QueueDpcs, WaitTenMinutes, QueueItems, SpinPairs,
    MutexPairs, SharedPairs, Raise, Fault;

#endif
