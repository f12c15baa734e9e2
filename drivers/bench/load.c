/*
 * A driver that does one thing many times, for measurements.
 *
 * What, and how often, it reads from its service's name, `WORD-SIZE-COUNT`, so that one image serves every measurement
 * and a run of none of it differs from a run of many by nothing else.
 */
#include "kernel.h"

#define TAG 'hcnB'

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

static VOID NOINLINE Call(ULONG64 Count)
{
    while (Count-- != 0) {
        (VOID)KeGetCurrentIrql();
    }
}

static NTSTATUS NOINLINE Pair(POOL_FLAGS Flags, SIZE_T Size, ULONG64 Count)
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

static NTSTATUS NOINLINE DeepPair(ULONG Depth, SIZE_T Size, ULONG64 Count)
{
    NTSTATUS Status;

    if (Depth == 0) {
        return Pair(POOL_FLAG_NON_PAGED, Size, Count);
    }
    Status = DeepPair(Depth - 1, Size, Count);
    HERE();
    return Status;
}

static VOID NOINLINE Level(ULONG64 Count)
{
    while (Count-- != 0) {
        (VOID)ReadCr8();
    }
}

static VOID NOINLINE Shared(ULONG64 Count)
{
    while (Count-- != 0) {
        (VOID)*SYSTEM_TIME;
    }
}

static VOID NOINLINE Stamp(ULONG64 Count)
{
    while (Count-- != 0) {
        __asm__ volatile("rdtsc" : : : "rax", "rdx");
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    struct Name Name;
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG64 Size;

    Name.End = RegistryPath->Buffer + RegistryPath->Length / sizeof(WCHAR);
    Name.Next = Name.End;
    while (Name.Next > RegistryPath->Buffer && Name.Next[-1] != '\\') {
        Name.Next--;
    }
    DriverObject->DriverUnload = Unload;
    if (TakeWord(&Name, "call")) {
        (VOID)TakeNumber(&Name);
        Call(TakeNumber(&Name));
    } else if (TakeWord(&Name, "pair")) {
        Size = TakeNumber(&Name);
        Status = Pair(POOL_FLAG_NON_PAGED, Size, TakeNumber(&Name));
    } else if (TakeWord(&Name, "uninitialized")) {
        Size = TakeNumber(&Name);
        Status = Pair(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, Size, TakeNumber(&Name));
    } else if (TakeWord(&Name, "paged")) {
        Size = TakeNumber(&Name);
        Status = Pair(POOL_FLAG_PAGED, Size, TakeNumber(&Name));
    } else if (TakeWord(&Name, "charged")) {
        Size = TakeNumber(&Name);
        Status = ChargedPair(Size, TakeNumber(&Name));
    } else if (TakeWord(&Name, "deep")) {
        Size = TakeNumber(&Name);
        Status = DeepPair(DEPTH - 1, Size, TakeNumber(&Name));
    } else if (TakeWord(&Name, "level")) {
        (VOID)TakeNumber(&Name);
        Level(TakeNumber(&Name));
    } else if (TakeWord(&Name, "shared")) {
        (VOID)TakeNumber(&Name);
        Shared(TakeNumber(&Name));
    } else if (TakeWord(&Name, "stamp")) {
        (VOID)TakeNumber(&Name);
        Stamp(TakeNumber(&Name));
    } else {
        Status = STATUS_INVALID_PARAMETER;
    }
    return Status;
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}
