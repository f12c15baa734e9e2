/* A driver's life: how it is entered, what happens to what it was given, and when its unload routine is called. */
#include "rows.h"

static PVOID Block;
static PEPROCESS EntryProcess;
static PWCHAR Path;
static BOOLEAN CallsInit;
static volatile ULONG Sink;

static ULONG NOINLINE INIT_CODE OnlyForEntry(ULONG Value)
{
    return 3 * Value + 1;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    DbgPrint("unload: irql=%u same-process=%u object=%u\n", KeGetCurrentIrql(),
             PsGetCurrentProcess() == EntryProcess, DriverObject->DriverUnload == DriverUnload);
    ExFreePoolWithTag(Block, TAG);
    if (Path != NULL) {
        Sink = *Path;
    }
    if (CallsInit) {
        Sink = OnlyForEntry(Sink);
    }
}

/* More stack than the three pages that it is on x86. */
static VOID NOINLINE UseStack(VOID)
{
    UCHAR Room[0x5000];

    RtlFillMemory(Room, sizeof(Room), 0x5A);
    USE_ALL(Room);
    DbgPrint("stack: filled=%u\n", IsAll(Room, sizeof(Room), 0x5A));
}

static VOID CheckRoutines(VOID)
{
    UNICODE_STRING Known = RTL_CONSTANT_STRING(L"KeGetCurrentIrql");
    UNICODE_STRING Unknown = RTL_CONSTANT_STRING(L"KeGetCurrentIrqlOfNobody");
    UNICODE_STRING Own = RTL_CONSTANT_STRING(L"DriverEntry");
    KIRQL(NTAPI *Found)(VOID) = (KIRQL(NTAPI *)(VOID))(ULONG_PTR)MmGetSystemRoutineAddress(&Known);

    DbgPrint("routines: known=%u unknown=%p own=%p\n", Found != NULL && Found() == PASSIVE_LEVEL,
             MmGetSystemRoutineAddress(&Unknown), MmGetSystemRoutineAddress(&Own));
}

static VOID CheckVersion(VOID)
{
    RTL_OSVERSIONINFOEXW Version;
    NTSTATUS Status;

    RtlFillMemory(&Version, sizeof(Version), 0xA5);
    Version.dwOSVersionInfoSize = sizeof(RTL_OSVERSIONINFOW);
    Status = RtlGetVersion((PRTL_OSVERSIONINFOW)&Version);
    DbgPrint("version: status=%x %u.%u.%u platform=%u product=%x\n", Status, Version.dwMajorVersion,
             Version.dwMinorVersion, Version.dwBuildNumber, Version.dwPlatformId, Version.wProductType);
    Version.dwOSVersionInfoSize = sizeof(RTL_OSVERSIONINFOEXW);
    Status = RtlGetVersion((PRTL_OSVERSIONINFOW)&Version);
    DbgPrint("version-ex: status=%x %u.%u product=%x\n", Status, Version.dwMajorVersion, Version.dwMinorVersion,
             Version.wProductType);
}

static VOID CheckEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONG_PTR Entry = (ULONG_PTR)DriverObject->DriverInit;
    ULONG_PTR Start = (ULONG_PTR)DriverObject->DriverStart;

    DbgPrint("entry: irql=%u process=%u type=%d in-image=%u\n", KeGetCurrentIrql(),
             (ULONG)(ULONG_PTR)PsGetCurrentProcessId(), DriverObject->Type,
             Entry > Start && Entry < Start + DriverObject->DriverSize);
    DbgPrint("path: %wZ\n", RegistryPath);
    DbgPrint("path-counts: length=%u room=%u\n", RegistryPath->Length,
             RegistryPath->MaximumLength >= RegistryPath->Length);
}

/* The status that a name such as `status-C0000001` asks for. */
static NTSTATUS WantedStatus(PUNICODE_STRING RegistryPath)
{
    static const WCHAR Prefix[] = L"status-";
    UNICODE_STRING Name = DriverName(RegistryPath);
    ULONG Status = 0;

    if (Name.Length <= sizeof(Prefix) || memcmp(Name.Buffer, Prefix, sizeof(Prefix) - sizeof(WCHAR)) != 0) {
        return STATUS_SUCCESS;
    }
    Name.Buffer += RTL_NUMBER_OF(Prefix) - 1;
    Name.Length -= sizeof(Prefix) - sizeof(WCHAR);
    RtlUnicodeStringToInteger(&Name, 16, &Status);
    return Status;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Routine = RTL_CONSTANT_STRING(L"DbgPrint");

    if (!IsNamed(RegistryPath, L"stays")) {
        DriverObject->DriverUnload = DriverUnload;
    }
    EntryProcess = PsGetCurrentProcess();
    CheckEntry(DriverObject, RegistryPath);
    CheckRoutines();
    CheckVersion();
    UseStack();
    Sink = OnlyForEntry(1);
    DbgPrint("init: %u\n", Sink);
    CallsInit = IsNamed(RegistryPath, L"calls-init");
    if (IsNamed(RegistryPath, L"keeps-path")) {
        Path = RegistryPath->Buffer;
    }
    if (IsNamed(RegistryPath, L"routine-at-apc")) {
        KIRQL Old = KfRaiseIrql(APC_LEVEL);

        MmGetSystemRoutineAddress(&Routine); HERE();
        KeLowerIrql(Old);
    }
    /* The unload routine frees it; where that is not called, it stays behind. */
    Block = ExAllocatePool2(POOL_FLAG_PAGED, 64, TAG);
    return WantedStatus(RegistryPath);
}
