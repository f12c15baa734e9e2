/* A cancel-safe queue: which of the driver's routines are called, and in which order. */
#include "rows.h"

/* Room for a request with one stack location. */
struct REQUEST {
    IRP Irp;
    IO_STACK_LOCATION Location;
};

static IO_CSQ Queue;
static LIST_ENTRY List;
static KSPIN_LOCK Lock;
static struct REQUEST Requests[3];
static BOOLEAN Refuses;

static ULONG NumberOf(PIRP Irp)
{
    return (ULONG)(CONTAINING_RECORD(Irp, struct REQUEST, Irp) - Requests);
}

static VOID NTAPI Insert(PIO_CSQ Csq, PIRP Irp)
{
    UNUSED(Csq);
    DbgPrint(" insert%u", NumberOf(Irp));
    InsertTailList(&List, &Irp->Tail.Overlay.ListEntry);
}

static NTSTATUS NTAPI InsertEx(PIO_CSQ Csq, PIRP Irp, PVOID InsertContext)
{
    DbgPrint(" context=%u", *(ULONG *)InsertContext);
    if (Refuses) {
        return STATUS_DEVICE_BUSY;
    }
    Insert(Csq, Irp);
    return STATUS_SUCCESS;
}

static VOID NTAPI Remove(PIO_CSQ Csq, PIRP Irp)
{
    UNUSED(Csq);
    DbgPrint(" remove%u", NumberOf(Irp));
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

static PIRP NTAPI PeekNext(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)
{
    UNUSED(Csq);
    DbgPrint(" peek=%u", Irp == NULL && PeekContext == &List);
    return IsListEmpty(&List) ? NULL : CONTAINING_RECORD(List.Flink, IRP, Tail.Overlay.ListEntry);
}

static VOID NTAPI Acquire(PIO_CSQ Csq, PKIRQL Irql)
{
    UNUSED(Csq);
    KeAcquireSpinLock(&Lock, Irql);
    DbgPrint(" lock");
}

static VOID NTAPI Release(PIO_CSQ Csq, KIRQL Irql)
{
    UNUSED(Csq);
    DbgPrint(" unlock%u", Irql);
    KeReleaseSpinLock(&Lock, Irql);
}

static VOID NTAPI CompleteCanceled(PIO_CSQ Csq, PIRP Irp)
{
    UNUSED(Csq);
    DbgPrint(" cancelled%u at %u", NumberOf(Irp), KeGetCurrentIrql());
}

static BOOLEAN IsPending(ULONG Number)
{
    return (Requests[Number].Location.Control & SL_PENDING_RETURNED) != 0;
}

static VOID Observe(VOID)
{
    IO_CSQ_IRP_CONTEXT Claim;
    ULONG Context = 7;
    ULONG Index;
    NTSTATUS Status;
    PIRP Irp;

    for (Index = 0; Index < 3; Index++) {
        Requests[Index].Irp.Tail.Overlay.CurrentStackLocation = &Requests[Index].Location;
    }
    DbgPrint("initialize: %x\n", IoCsqInitialize(&Queue, Insert, Remove, PeekNext, Acquire, Release, CompleteCanceled));
    DbgPrint("insert:");
    IoCsqInsertIrp(&Queue, &Requests[0].Irp, NULL);
    DbgPrint(" pending=%u\n", IsPending(0));
    DbgPrint("insert-claimed:");
    IoCsqInsertIrp(&Queue, &Requests[1].Irp, &Claim);
    DbgPrint(" irp=%u\n", Claim.Irp == &Requests[1].Irp);
    DbgPrint("remove-next:");
    Irp = IoCsqRemoveNextIrp(&Queue, &List);
    DbgPrint(" irp=%u\n", Irp == &Requests[0].Irp);
    DbgPrint("remove-claimed:");
    Irp = IoCsqRemoveIrp(&Queue, &Claim);
    DbgPrint(" irp=%u left=%u\n", Irp == &Requests[1].Irp, Claim.Irp != NULL);
    DbgPrint("remove-again:");
    Irp = IoCsqRemoveIrp(&Queue, &Claim);
    DbgPrint(" irp=%u\n", Irp != NULL);
    DbgPrint("remove-none:");
    Irp = IoCsqRemoveNextIrp(&Queue, &List);
    DbgPrint(" irp=%u\n", Irp != NULL);
    Requests[2].Irp.Cancel = TRUE;
    DbgPrint("insert-cancelled:");
    IoCsqInsertIrp(&Queue, &Requests[2].Irp, NULL);
    DbgPrint(" empty=%u\n", IsListEmpty(&List));
    Requests[2].Irp.Cancel = FALSE;
    Requests[2].Location.Control = 0;
    IoCsqInitializeEx(&Queue, InsertEx, Remove, PeekNext, Acquire, Release, CompleteCanceled);
    Refuses = TRUE;
    DbgPrint("insert-refused:");
    Status = IoCsqInsertIrpEx(&Queue, &Requests[2].Irp, &Claim, &Context);
    DbgPrint(" status=%x pending=%u\n", Status, IsPending(2));
    Refuses = FALSE;
    DbgPrint("insert-ex:");
    Status = IoCsqInsertIrpEx(&Queue, &Requests[2].Irp, &Claim, &Context);
    DbgPrint(" status=%x pending=%u\n", Status, IsPending(2));
    DbgPrint("remove-claimed-next:");
    IoCsqRemoveNextIrp(&Queue, &List);
    DbgPrint(" left=%u\n", Claim.Irp != NULL);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Lock);
    InitializeListHead(&List);
    Observe();
    return STATUS_SUCCESS;
}
