/* Overwrites the host's own stack from where it is left to its end. */
#include "hostile.h"

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    volatile ULONG64 *Stack;

    UNUSED(DriverObject);
    UNUSED(RegistryPath);
    FreeTwice();
    Stack = (volatile ULONG64 *)*HostStackVariable();
    for (;;) {
        *Stack++ = 0x5A5A5A5A5A5A5A5A;
    }
}
