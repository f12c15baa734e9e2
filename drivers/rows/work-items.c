/* Work items. */
#include "rows.h"

#define MANY 40

static volatile LONG Calls;
static KIRQL Level;
static PVOID Thread;
static LONG DeviceThere;
static KEVENT Last;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* The running thread's object, where GS shows it. */
static PVOID CurrentThread(VOID)
{
    PVOID Current;

    __asm__ volatile("movq %%gs:0x188, %0" : "=r"(Current));
    return Current;
}

static VOID Wait(ULONG Milliseconds)
{
    LARGE_INTEGER Delay;

    Delay.QuadPart = -10000LL * Milliseconds;
    KeDelayExecutionThread(KernelMode, FALSE, &Delay);
}

static VOID NTAPI FreeItself(PVOID Parameter)
{
    Level = KeGetCurrentIrql();
    Thread = CurrentThread();
    Calls++;
    ExFreePoolWithTag(Parameter, TAG);
}

static VOID NTAPI QueueAgain(PVOID Parameter)
{
    if (Calls++ == 1) {
        ExQueueWorkItem(Parameter, DelayedWorkQueue);
    }
}

static VOID NTAPI DeviceWork(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    Level = KeGetCurrentIrql();
    DeviceThere = DeviceObject->Type == IO_TYPE_DEVICE;
    Calls++;
    IoFreeWorkItem(Context);
}

static VOID NTAPI ExtendedWork(PVOID Object, PVOID Context, PIO_WORKITEM Item)
{
    DeviceThere = ((PDEVICE_OBJECT)Object)->Type == IO_TYPE_DEVICE;
    Calls += Item == Context;
    IoUninitializeWorkItem(Item);
}

static VOID NTAPI SlowWork(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    Wait(5);
    DeviceThere = DeviceObject->Type == IO_TYPE_DEVICE;
    IoFreeWorkItem(Context);
}

static PDEVICE_OBJECT Device(PDRIVER_OBJECT DriverObject)
{
    PDEVICE_OBJECT DeviceObject;

    IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &DeviceObject);
    return DeviceObject;
}

static VOID NTAPI AwaitTheLast(PVOID Parameter)
{
    KeWaitForSingleObject(&Last, Executive, KernelMode, FALSE, NULL);
    __sync_add_and_fetch((volatile LONG *)Parameter, 1);
}

static VOID NTAPI BeTheLast(PVOID Parameter)
{
    KeSetEvent(&Last, IO_NO_INCREMENT, FALSE);
    __sync_add_and_fetch((volatile LONG *)Parameter, 1);
}

/* Many items of one queue wait for one of another, and more than there are threads for them. */
static VOID Many(VOID)
{
    static WORK_QUEUE_ITEM Items[MANY];
    static volatile LONG Done;
    ULONG Index;

    KeInitializeEvent(&Last, NotificationEvent, FALSE);
    for (Index = 0; Index < MANY - 1; Index++) {
        ExInitializeWorkItem(&Items[Index], AwaitTheLast, (PVOID)&Done);
        ExQueueWorkItem(&Items[Index], DelayedWorkQueue);
    }
    ExInitializeWorkItem(&Items[Index], BeTheLast, (PVOID)&Done);
    ExQueueWorkItem(&Items[Index], CriticalWorkQueue);
    Wait(10);
    DbgPrint("many: done=%d of %d\n", Done, MANY);
}

static VOID Observe(PDRIVER_OBJECT DriverObject)
{
    static WORK_QUEUE_ITEM Twice;
    PWORK_QUEUE_ITEM Item = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Item), TAG);
    PDEVICE_OBJECT DeviceObject = Device(DriverObject);
    PIO_WORKITEM Work, Own;

    ExInitializeWorkItem(Item, FreeItself, Item);
    ExQueueWorkItem(Item, DelayedWorkQueue);
    Wait(1);
    DbgPrint("executive: calls=%d level=%u other-thread=%u\n", Calls, Level, Thread != CurrentThread());
    ExInitializeWorkItem(&Twice, QueueAgain, &Twice);
    ExQueueWorkItem(&Twice, CriticalWorkQueue);
    Wait(1);
    DbgPrint("again: calls=%d\n", Calls);
    Work = IoAllocateWorkItem(DeviceObject);
    IoQueueWorkItem(Work, DeviceWork, DelayedWorkQueue, Work);
    Wait(1);
    DbgPrint("device: calls=%d level=%u there=%d\n", Calls, Level, DeviceThere);
    Own = ExAllocatePoolWithTag(NonPagedPoolNx, IoSizeofWorkItem(), TAG);
    IoInitializeWorkItem(DeviceObject, Own);
    IoQueueWorkItemEx(Own, ExtendedWork, HyperCriticalWorkQueue, Own);
    Wait(1);
    DbgPrint("extended: calls=%d there=%d\n", Calls, DeviceThere);
    ExFreePoolWithTag(Own, TAG);
    DeviceThere = 0;
    Work = IoAllocateWorkItem(DeviceObject);
    IoQueueWorkItem(Work, SlowWork, DelayedWorkQueue, Work);
    IoDeleteDevice(DeviceObject);
    Wait(10);
    DbgPrint("kept: there=%d\n", DeviceThere);
    Many();
}

/* The image stays until work that keeps a device is done. */
static VOID NTAPI UnloadWithWork(PDRIVER_OBJECT DriverObject)
{
    PIO_WORKITEM Work = IoAllocateWorkItem(DriverObject->DeviceObject);

    IoQueueWorkItem(Work, SlowWork, DelayedWorkQueue, Work);
    IoDeleteDevice(DriverObject->DeviceObject);
}

static VOID NoMemory(PDRIVER_OBJECT DriverObject)
{
    PDEVICE_OBJECT DeviceObject = Device(DriverObject);
    PVOID Blocks = NULL;
    PVOID Block;
    SIZE_T Size;
    PIO_WORKITEM Work;

    for (Size = 1 << 20; Size >= 16; Size /= 2) {
        while ((Block = ExAllocatePoolWithTag(NonPagedPoolNx, Size, TAG)) != NULL) {
            *(PVOID *)Block = Blocks;
            Blocks = Block;
        }
    }
    Work = IoAllocateWorkItem(DeviceObject);
    while (Blocks != NULL) {
        Block = Blocks;
        Blocks = *(PVOID *)Block;
        ExFreePoolWithTag(Block, TAG);
    }
    DbgPrint("no-memory: %u\n", Work == NULL);
    IoDeleteDevice(DeviceObject);
}

static KMUTEX Mutex;

static VOID NTAPI ReturnRaised(PVOID Parameter)
{
    UNUSED(Parameter);
    KfRaiseIrql(DISPATCH_LEVEL);
}

static VOID NTAPI ReturnOwning(PVOID Parameter)
{
    UNUSED(Parameter);
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
}

/* Runs a routine that leaves something behind, and tells what it was given. */
static VOID RunOnce(PWORKER_THREAD_ROUTINE Routine)
{
    static WORK_QUEUE_ITEM Item;

    KeInitializeMutex(&Mutex, 0);
    ExInitializeWorkItem(&Item, Routine, (PVOID)42);
    DbgPrint("item: routine=%p item=%p\n", Routine, &Item);
    ExQueueWorkItem(&Item, DelayedWorkQueue);
    Wait(1);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"unload")) {
        Device(DriverObject);
        DriverObject->DriverUnload = UnloadWithWork;
    } else if (IsNamed(RegistryPath, L"no-memory")) {
        NoMemory(DriverObject);
    } else if (IsNamed(RegistryPath, L"returns-raised")) {
        RunOnce(ReturnRaised);
    } else if (IsNamed(RegistryPath, L"returns-owning")) {
        RunOnce(ReturnOwning);
    } else {
        Observe(DriverObject);
    }
    return STATUS_SUCCESS;
}
