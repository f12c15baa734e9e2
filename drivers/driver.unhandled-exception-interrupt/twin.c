/* Says in an interrupt's routine that it was its device's. */
#include "kernel.h"

static PKINTERRUPT Interrupt;

static BOOLEAN NTAPI Service(PKINTERRUPT Object, PVOID Context)
{
    UNUSED(Object);
    UNUSED(Context);
    return TRUE;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    LARGE_INTEGER Delay;

    UNUSED(DriverObject);
    IoConnectInterrupt(&Interrupt, Service, NULL, NULL, 0x50, 5, 5, LevelSensitive, TRUE, 1, FALSE);
    Delay.QuadPart = -10000LL * 1000;
    KeDelayExecutionThread(KernelMode, FALSE, &Delay);
    IoDisconnectInterrupt(Interrupt);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
