/* Releases the spin lock of its interrupt, which it does not hold. */
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
    Old = KeGetCurrentIrql();
    KeReleaseInterruptSpinLock(Interrupt, Old); HERE(); /* MARK: CRIME */
    IoDisconnectInterrupt(Interrupt);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
