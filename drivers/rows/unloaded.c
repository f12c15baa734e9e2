/* What reaches for the driver when it has been unloaded. */
#include "rows.h"

/* What the code in the pool does, which must not refer to the image. */
typedef struct _PLAN {
    NTSTATUS (NTAPI *Sleep)(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval);
    KIRQL (FASTCALL *Raise)(KIRQL Level);
    LARGE_INTEGER Delay;
    volatile ULONG *Target;
    BOOLEAN Writes;
    KIRQL Level;
} PLAN, *PPLAN;

#define CODE_SIZE 512

static volatile ULONG Global;
static KTIMER Timer;
static KDPC Dpc;
static ULONG Case;

static VOID NTAPI Touch(PVOID Context)
{
    PPLAN Plan = Context;

    Plan->Sleep(KernelMode, FALSE, &Plan->Delay);
    Plan->Raise(Plan->Level);
    if (Plan->Writes) {
        *Plan->Target = 1;
    } else {
        (VOID)*Plan->Target;
    }
}

static PVOID Routine(PCWSTR Name)
{
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Name);
    return MmGetSystemRoutineAddress(&String);
}

static VOID StartTouch(BOOLEAN Writes, KIRQL Level)
{
    PPLAN Plan = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Plan), TAG);
    PVOID Code = ExAllocatePoolWithTag(NonPagedPoolExecute, CODE_SIZE, TAG);
    HANDLE Handle;

    Plan->Sleep = Routine(L"KeDelayExecutionThread");
    Plan->Raise = Routine(L"KfRaiseIrql");
    Plan->Delay.QuadPart = -10000000;
    Plan->Target = &Global;
    Plan->Writes = Writes;
    Plan->Level = Level;
    RtlCopyMemory(Code, (PVOID)(ULONG_PTR)Touch, CODE_SIZE);
    DbgPrint("target: %I64u\n", (ULONG64)(ULONG_PTR)&Global);
    DbgPrint("code: %I64u\n", (ULONG64)(ULONG_PTR)Code);
    PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, (PKSTART_ROUTINE)Code, Plan);
    ZwClose(Handle);
}

static VOID NTAPI Deferred(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Object);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    LARGE_INTEGER Due;

    UNUSED(DriverObject);
    if (Case == 0) {
        DbgPrint("target: %I64u\n", (ULONG64)(ULONG_PTR)&Dpc);
        KeInitializeTimer(&Timer);
        KeInitializeDpc(&Dpc, Deferred, NULL);
        Due.QuadPart = -100000;
        KeSetTimer(&Timer, Due, &Dpc);
    } else {
        StartTouch(Case == 2, Case == 3 ? DISPATCH_LEVEL : PASSIVE_LEVEL);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"reads")) {
        Case = 1;
    } else if (IsNamed(RegistryPath, L"writes")) {
        Case = 2;
    } else if (IsNamed(RegistryPath, L"reads-raised")) {
        Case = 3;
    }
    return STATUS_SUCCESS;
}
