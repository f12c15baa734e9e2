/* Initializes an event in paged pool. */
#include "join.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PKEVENT Event = ExAllocatePool2(POOL_FLAG_PAGED, sizeof(KEVENT), 'tnvE');

    UNUSED(DriverObject);
    if (Event != NULL) {
        KeInitializeEvent(Event, NotificationEvent, FALSE); HERE(); /* MARK: CRIME */
        ExFreePool(Event);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
