/*
 * A driver that does one thing many times, for measurements.
 *
 * What, and how often, it reads from its service's name, `WORD-SIZE-COUNT`, so that one image serves every measurement
 * and a run of none of it differs from a run of many by nothing else.
 */
#include "bench.h"

/* The system time in the page of shared user data, where drivers read it without a call. */
#define SYSTEM_TIME ((volatile ULONG64 *)0xFFFFF78000000014ULL)

/* Frames between DriverEntry and the routine that allocates: about as many as when a driver serves a request. */
#define DEPTH 8

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;

/* The rest of a name, which is taken from its front. */
struct Name {
    const WCHAR *Next;
    const WCHAR *End;
};

static ULONG64 TakeNumber(struct Name *Name)
{
    ULONG64 Number = 0;

    if (Name->Next < Name->End && *Name->Next == '-') {
        Name->Next++;
    }
    while (Name->Next < Name->End && *Name->Next >= '0' && *Name->Next <= '9') {
        Number = Number * 10 + (ULONG64)(*Name->Next++ - '0');
    }
    return Number;
}

static BOOLEAN TakeWord(struct Name *Name, const char *Word)
{
    const WCHAR *At = Name->Next;

    for (; *Word != 0; Word++, At++) {
        if (At == Name->End || *At != (WCHAR)*Word) {
            return FALSE;
        }
    }
    if (At == Name->End || *At != '-') {
        return FALSE;
    }
    Name->Next = At;
    return TRUE;
}

static NTSTATUS NOINLINE Call(SIZE_T Size, ULONG64 Count)
{
    UNUSED(Size);
    while (Count-- != 0) {
        (VOID)KeGetCurrentIrql();
    }
    return STATUS_SUCCESS;
}

/* Part of each routine that uses it, so that no frame of its own is walked. */
static inline __attribute__((always_inline)) NTSTATUS Pair(POOL_FLAGS Flags, SIZE_T Size, ULONG64 Count)
{
    while (Count-- != 0) {
        PVOID Block = ExAllocatePool2(Flags, Size, TAG);

        if (Block == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        ExFreePool(Block);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS NonPagedPair(SIZE_T Size, ULONG64 Count)
{
    return Pair(POOL_FLAG_NON_PAGED, Size, Count);
}

static NTSTATUS UninitializedPair(SIZE_T Size, ULONG64 Count)
{
    return Pair(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, Size, Count);
}

static NTSTATUS PagedPair(SIZE_T Size, ULONG64 Count)
{
    return Pair(POOL_FLAG_PAGED, Size, Count);
}

static NTSTATUS NOINLINE ChargedPair(SIZE_T Size, ULONG64 Count)
{
    const POOL_TYPE Type = (POOL_TYPE)(NonPagedPoolNx | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE);

    while (Count-- != 0) {
        PVOID Block = ExAllocatePoolWithQuotaTag(Type, Size, TAG);

        if (Block == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        ExFreePool(Block);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS NOINLINE PairBelow(ULONG Depth, SIZE_T Size, ULONG64 Count)
{
    NTSTATUS Status;

    if (Depth == 0) {
        return Pair(POOL_FLAG_NON_PAGED, Size, Count);
    }
    Status = PairBelow(Depth - 1, Size, Count);
    HERE();
    return Status;
}

static NTSTATUS DeepPair(SIZE_T Size, ULONG64 Count)
{
    return PairBelow(DEPTH - 1, Size, Count);
}

static NTSTATUS NOINLINE Level(SIZE_T Size, ULONG64 Count)
{
    UNUSED(Size);
    while (Count-- != 0) {
        (VOID)ReadCr8();
    }
    return STATUS_SUCCESS;
}

static NTSTATUS NOINLINE Shared(SIZE_T Size, ULONG64 Count)
{
    UNUSED(Size);
    while (Count-- != 0) {
        (VOID)*SYSTEM_TIME;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS NOINLINE Stamp(SIZE_T Size, ULONG64 Count)
{
    UNUSED(Size);
    while (Count-- != 0) {
        __asm__ volatile("rdtsc" : : : "rax", "rdx");
    }
    return STATUS_SUCCESS;
}

static const struct {
    const char *Word;
    STEP *Step;
} Steps[] = {
    {"call", Call},
    {"pair", NonPagedPair},
    {"uninitialized", UninitializedPair},
    {"paged", PagedPair},
    {"charged", ChargedPair},
    {"deep", DeepPair},
    {"level", Level},
    {"shared", Shared},
    {"stamp", Stamp},
    {"turns", TakeTurns},
    {"event", PingPong},
    {"set", SetTimers},
    {"expire", ExpireTimers},
    {"thread", StartThreads},
    {"dpc", QueueDpcs},
    {"wait", WaitTenMinutes},
    {"item", QueueItems},
    {"spin", SpinPairs},
    {"mutex", MutexPairs},
    {"resource", SharedPairs},
    {"raise", Raise},
    {"fault", Fault},
};

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    struct Name Name;
    SIZE_T Size;
    ULONG Place;

    Name.End = RegistryPath->Buffer + RegistryPath->Length / sizeof(WCHAR);
    Name.Next = Name.End;
    while (Name.Next > RegistryPath->Buffer && Name.Next[-1] != '\\') {
        Name.Next--;
    }
    DriverObject->DriverUnload = Unload;
    for (Place = 0; Place < sizeof(Steps) / sizeof(Steps[0]); Place++) {
        if (TakeWord(&Name, Steps[Place].Word)) {
            Size = TakeNumber(&Name);
            return Steps[Place].Step(Size, TakeNumber(&Name));
        }
    }
    return STATUS_INVALID_PARAMETER;
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}
