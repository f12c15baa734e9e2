/* Looks at the pointer before it reads through it. */
#include "kernel.h"

struct Session {
    ULONG Flags;
    ULONG Reserved[7];
    ULONG Users;
};

static struct Session *Current;
static volatile ULONG LastUsers;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    if (Current != NULL) {
        LastUsers = Current->Users;
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
