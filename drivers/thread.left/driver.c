/* Is unloaded while a thread of its own waits. */
#include "join.h"

static PVOID Thread;
static KEVENT Event;

static VOID NTAPI Run(PVOID Context)
{
    UNUSED(Context);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL); HERE();
    PsTerminateSystemThread(STATUS_SUCCESS); HERE();
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ObDereferenceObject(Thread);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Handle;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Run, NULL); HERE(); /* MARK: CREATED */
    ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &Thread, NULL);
    ZwClose(Handle);
    return STATUS_SUCCESS;
}
