/* Acquires the spin lock of its interrupt at DISPATCH_LEVEL. */
#include "kernel.h"

static PKINTERRUPT Interrupt;
static KSPIN_LOCK Lock;

static BOOLEAN NTAPI Service(PKINTERRUPT Object, PVOID Context)
{
    UNUSED(Object);
    UNUSED(Context);
    return FALSE;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL Old;
    ULONG Turn;

    UNUSED(DriverObject);
    KeInitializeSpinLock(&Lock);
    IoConnectInterrupt(&Interrupt, Service, NULL, &Lock, 0x50, 5, 5, LevelSensitive, TRUE, 1, FALSE);
    KeSetSystemAffinityThread(1);
    KeAcquireSpinLock(&Lock, &Old);
    for (Turn = 0; Turn < 400; Turn++) {
        KeQueryInterruptTime();
    }
    KeReleaseSpinLock(&Lock, Old);
    KeRevertToUserAffinityThread();
    IoDisconnectInterrupt(Interrupt);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
