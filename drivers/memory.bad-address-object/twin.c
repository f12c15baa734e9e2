/* Reads a thread object that it has a reference to. */
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
    WaitFor(Thread);
    (void)*Object; HERE();
    ObDereferenceObject(Thread);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
