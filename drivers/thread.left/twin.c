/* Waits for its thread before it is unloaded. */
#include "join.h"

static PVOID Thread;
static KEVENT Event;

static VOID NTAPI Run(PVOID Context)
{
    UNUSED(Context);
    WaitFor(&Event);
    PsTerminateSystemThread(STATUS_SUCCESS); HERE();
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    JoinThread(Thread);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Handle;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Run, NULL); HERE();
    ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &Thread, NULL);
    ZwClose(Handle);
    return STATUS_SUCCESS;
}
