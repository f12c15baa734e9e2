/* A thread ends and owns a mutex. */
#include "join.h"

static PVOID Thread;
static KMUTEX Mutex;

static VOID NTAPI Run(PVOID Context)
{
    UNUSED(Context);
    WaitFor(&Mutex);
    PsTerminateSystemThread(STATUS_SUCCESS); HERE(); /* MARK: CRIME */
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    JoinThread(Thread);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Handle;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeMutex(&Mutex, 0);
    PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Run, NULL); HERE(); /* MARK: CREATED */
    ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &Thread, NULL);
    ZwClose(Handle);
    return STATUS_SUCCESS;
}
