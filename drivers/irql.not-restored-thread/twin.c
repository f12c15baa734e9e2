/* A thread returns at the level it was called at. */
#include "join.h"

static PVOID Thread;

static VOID NTAPI Run(PVOID Context)
{
    KIRQL OldIrql;

    UNUSED(Context);
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    KeLowerIrql(OldIrql);
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
    PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Run, NULL); HERE();
    ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &Thread, NULL);
    ZwClose(Handle);
    return STATUS_SUCCESS;
}
