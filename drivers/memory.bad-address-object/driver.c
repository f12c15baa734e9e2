/* Reads a thread object whose last reference it has released. */
#include "join.h"

static VOID NTAPI Run(PVOID Context)
{
    UNUSED(Context);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Thread = StartThread(Run, NULL);
    volatile UCHAR *Object = Thread;

    UNUSED(DriverObject);
    JoinThread(Thread);
    (void)*Object; HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
