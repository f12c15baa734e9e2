/* Says that it is there, and stays for ever. */
#include "hostile.h"

static volatile ULONG Stopped;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(DriverObject);
    UNUSED(RegistryPath);
    FreeTwice();
    DbgPrint("waiting\n");
    while (!Stopped) {
    }
    return STATUS_SUCCESS;
}
