/* Waits for four objects without wait blocks. */
#include "join.h"

static KEVENT Events[4];

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Objects[4];
    ULONG Index;

    UNUSED(DriverObject);
    for (Index = 0; Index < 4; Index++) {
        KeInitializeEvent(&Events[Index], NotificationEvent, TRUE);
        Objects[Index] = &Events[Index];
    }
    KeWaitForMultipleObjects(4, Objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
