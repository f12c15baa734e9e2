/* Reads a member of a structure through a null pointer at DISPATCH_LEVEL. */
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
    KIRQL OldIrql;

    UNUSED(DriverObject);
    OldIrql = KeRaiseIrqlToDpcLevel();
    LastUsers = Current->Users; HERE(); /* MARK: CRIME */
    KeLowerIrql(OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
