/* Overwrites everything that the host's stack points to, as far as it is no code, then works on. */
#include "hostile.h"

static volatile UCHAR *Far(ULONG64 Value)
{
    volatile UCHAR *Gate = HostGate();
    volatile UCHAR *Place = (volatile UCHAR *)(Value & ~7ULL);
    ULONG64 Distance = Place > Gate ? Place - Gate : Gate - Place;

    /* The program's heap is within a few gigabytes of its code, and not right beside it. */
    return Distance > 0x2000000 && Distance < 0x100000000 ? Place : NULL;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    volatile ULONG64 *Stack;

    UNUSED(DriverObject);
    UNUSED(RegistryPath);
    FreeTwice();
    Stack = (volatile ULONG64 *)*HostStackVariable();
    for (LONG Index = 0; Index < 512; Index++) {
        volatile UCHAR *Place = Far(Stack[Index]);

        for (LONG Offset = 0; Place != NULL && Offset < 128; Offset++) {
            Place[Offset] = 0x5A;
        }
    }
    for (LONG Round = 0; Round < 1000; Round++) {
        ExFreePoolWithTag(ExAllocatePool2(POOL_FLAG_NON_PAGED, 16 + Round, TAG), TAG);
        DbgPrint("round %d\n", Round);
    }
    return STATUS_SUCCESS;
}
