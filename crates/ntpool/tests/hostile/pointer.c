/* Gives the host a stack that is none, then calls an import. */
#include "hostile.h"

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(DriverObject);
    UNUSED(RegistryPath);
    FreeTwice();
    *HostStackVariable() = 0x1000;
    DbgPrint("still here\n");
    return STATUS_SUCCESS;
}
