/* Releases the spin lock of its interrupt, which it holds. */
#include "kernel.h"

static PKINTERRUPT Interrupt;

static BOOLEAN NTAPI Service(PKINTERRUPT Object, PVOID Context)
{
    UNUSED(Object);
    UNUSED(Context);
    return FALSE;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL Old;

    UNUSED(DriverObject);
    IoConnectInterrupt(&Interrupt, Service, NULL, NULL, 0x50, 5, 5, LevelSensitive, TRUE, 1, FALSE);
    Old = KeAcquireInterruptSpinLock(Interrupt);
    KeReleaseInterruptSpinLock(Interrupt, Old);
    IoDisconnectInterrupt(Interrupt);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
