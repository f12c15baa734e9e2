/* Interrupts, which the machine raises by itself. */
#include "rows.h"

static PKINTERRUPT Interrupt;
static KSPIN_LOCK Lock;
static volatile LONG Calls, Held, Broken;
static KIRQL Level;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static BOOLEAN NTAPI Service(PKINTERRUPT Object, PVOID Context)
{
    UNUSED(Object);
    Level = KeGetCurrentIrql();
    /* What the interrupt's lock guards is not seen half done. */
    Broken += Held != 0 || Context != (PVOID)6;
    Calls++;
    return TRUE;
}

static BOOLEAN NTAPI Synchronized(PVOID Context)
{
    Level = KeGetCurrentIrql();
    Held = 1;
    KeQueryInterruptTime();
    Held = 0;
    return Context == (PVOID)8;
}

static VOID Wait(ULONG Milliseconds)
{
    LARGE_INTEGER Delay;

    Delay.QuadPart = -10000LL * Milliseconds;
    KeDelayExecutionThread(KernelMode, FALSE, &Delay);
}

static VOID Work(const char *Name)
{
    KIRQL Old, Inside;
    BOOLEAN Result = FALSE;
    ULONG Turn;
    LONG Then;

    Wait(1000);
    DbgPrint("%s-raised: some=%u level=%u\n", Name, Calls > 0, Level);
    for (Turn = 0; Turn < 200; Turn++) {
        Result = KeSynchronizeExecution(Interrupt, Synchronized, (PVOID)8);
    }
    Old = KeAcquireInterruptSpinLock(Interrupt);
    Inside = KeGetCurrentIrql();
    KeReleaseInterruptSpinLock(Interrupt, Old);
    DbgPrint("%s-held: result=%u old=%u inside=%u after=%u broken=%d\n", Name, Result, Old, Inside,
             KeGetCurrentIrql(), Broken);
    Then = Calls;
    UNUSED(Then);
}

static VOID Observe(VOID)
{
    IO_CONNECT_INTERRUPT_PARAMETERS Parameters;
    IO_DISCONNECT_INTERRUPT_PARAMETERS Disconnect;
    NTSTATUS Status;
    LONG Then;

    KeInitializeSpinLock(&Lock);
    Status = IoConnectInterrupt(&Interrupt, Service, (PVOID)6, NULL, 0x50, 2, 2, LevelSensitive, TRUE, 1, FALSE);
    DbgPrint("bad-level: %x\n", Status);
    Status = IoConnectInterrupt(&Interrupt, Service, (PVOID)6, &Lock, 0x50, 6, 7, LevelSensitive, TRUE, 1, FALSE);
    DbgPrint("connect: %x\n", Status);
    Work("plain");
    IoDisconnectInterrupt(Interrupt);
    Then = Calls;
    Wait(1000);
    DbgPrint("disconnected: %d\n", Calls - Then);
    Calls = 0;
    RtlZeroMemory(&Parameters, sizeof(Parameters));
    Parameters.Version = CONNECT_LINE_BASED;
    Parameters.LineBased.InterruptObject = &Interrupt;
    Parameters.LineBased.ServiceRoutine = Service;
    Parameters.LineBased.ServiceContext = (PVOID)6;
    Status = IoConnectInterruptEx(&Parameters);
    DbgPrint("line: %x\n", Status);
    Work("line");
    Disconnect.Version = Parameters.Version;
    Disconnect.ConnectionContext.InterruptObject = Interrupt;
    IoDisconnectInterruptEx(&Disconnect);
    RtlZeroMemory(&Parameters, sizeof(Parameters));
    Parameters.Version = CONNECT_MESSAGE_BASED;
    Parameters.MessageBased.ConnectionContext.Generic = (PVOID)&Interrupt;
    DbgPrint("message: %x\n", IoConnectInterruptEx(&Parameters));
    Parameters.Version = 77;
    Status = IoConnectInterruptEx(&Parameters);
    DbgPrint("unknown: %x version=%u\n", Status, Parameters.Version);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Observe();
    return STATUS_SUCCESS;
}
