/* Overwrites the host's thread variables on both sides of where fs leads, then calls an import. */
#include "hostile.h"

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    volatile ULONG64 *Thread;

    UNUSED(DriverObject);
    UNUSED(RegistryPath);
    FreeTwice();
    Thread = HostThread();
    for (LONG Index = 0; Index < 128; Index++) {
        Thread[Index] = 0xA5A5A5A5A5A5A5A5;
        Thread[-1 - Index] = 0xA5A5A5A5A5A5A5A5;
    }
    DbgPrint("still here\n");
    return STATUS_SUCCESS;
}
