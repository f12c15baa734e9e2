/* A small driver for the tests of the image crate. Each function is here for what it makes of its frame. */
#include <ntddk.h>

#define TAG 'tseT'

__declspec(dllimport) PVOID NTAPI ExAllocatePool2(ULONG64 flags, SIZE_T size, ULONG tag);

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;

static PVOID block;

/* A pointer in initialized data: it needs a relocation. */
static PDRIVER_UNLOAD volatile unload_routine = Unload;

/* Inlined into its caller. */
static __inline__ __attribute__((always_inline)) PVOID allocate(SIZE_T size)
{
    return ExAllocatePool2(0x40, size, TAG); /* line: allocate */
}

/* A fixed frame with an array, and calls. */
__attribute__((noinline)) static ULONG fill(ULONG count)
{
    volatile ULONG values[64];
    ULONG sum = 0;
    for (ULONG i = 0; i < 64; i++)
        values[i] = i * count;
    KeStallExecutionProcessor(values[count % 64]);
    for (ULONG i = 0; i < 64; i++)
        sum += values[i];
    return sum; /* line: fill */
}

/* A frame of a size that is known only at run time, so that a frame register is needed. */
__attribute__((noinline)) static ULONG vary(ULONG count)
{
    volatile UCHAR *bytes = __builtin_alloca((count % 16 + 1) * 16);
    bytes[0] = (UCHAR)count;
    KeStallExecutionProcessor(bytes[0]);
    return bytes[0];
}

/* No frame at all. */
__attribute__((noinline)) static ULONG leaf(ULONG count)
{
    return count * 3 + 1;
}

static VOID NTAPI Unload(PDRIVER_OBJECT driver)
{
    UNREFERENCED_PARAMETER(driver);
    ExFreePoolWithTag(block, TAG); /* line: unload */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    block = allocate(fill(path->Length) + vary(path->Length) + leaf(path->Length));
    driver->DriverUnload = unload_routine;
    return block ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES; /* line: entry */
}
