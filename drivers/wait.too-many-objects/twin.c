/* Waits for three objects without wait blocks. */
#include "join.h"

static KEVENT Events[3];

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Objects[3];
    ULONG Index;

    UNUSED(DriverObject);
    for (Index = 0; Index < 3; Index++) {
        KeInitializeEvent(&Events[Index], NotificationEvent, TRUE);
        Objects[Index] = &Events[Index];
    }
    KeWaitForMultipleObjects(3, Objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL); HERE();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
