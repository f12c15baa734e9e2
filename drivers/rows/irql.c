/* Levels, spin locks and delays. */
#include "rows.h"

/* Fields of the page that the kernel shares with user mode, by their documented offsets. */
#define SHARED(Offset) (*(volatile ULONG64 *)(0xFFFFF78000000000ULL + (Offset)))
#define INTERRUPT_TIME SHARED(0x8)
#define SYSTEM_TIME SHARED(0x14)

static KSPIN_LOCK Lock;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static VOID CheckLevel(const char *Name, KIRQL Level)
{
    KIRQL Old = KfRaiseIrql(Level);
    KIRQL Now = KeGetCurrentIrql();
    KIRQL Cr8 = ReadCr8();

    KeLowerIrql(Old);
    DbgPrint("%s: old=%u now=%u cr8=%u after=%u\n", Name, Old, Now, Cr8, KeGetCurrentIrql());
}

static VOID CheckLock(const char *Name, KIRQL From)
{
    KIRQL Outer = KfRaiseIrql(From);
    KIRQL Old;
    KIRQL Inside;

    KeAcquireSpinLock(&Lock, &Old);
    Inside = KeGetCurrentIrql();
    KeReleaseSpinLock(&Lock, Old);
    DbgPrint("%s: old=%u inside=%u after=%u\n", Name, Old, Inside, KeGetCurrentIrql());
    KeLowerIrql(Outer);
}

static VOID CheckDelay(const char *Name, LONG64 Interval)
{
    LARGE_INTEGER Until;
    ULONG64 Interrupt = INTERRUPT_TIME;
    ULONG64 System = SYSTEM_TIME;
    NTSTATUS Status;

    Until.QuadPart = Interval;
    Status = KeDelayExecutionThread(KernelMode, FALSE, &Until);
    DbgPrint("%s: status=%x interrupt=%I64u system=%I64u\n", Name, Status, INTERRUPT_TIME - Interrupt,
             SYSTEM_TIME - System);
}

static VOID Observe(VOID)
{
    CheckLevel("passive", PASSIVE_LEVEL);
    CheckLevel("apc", APC_LEVEL);
    CheckLevel("dispatch", DISPATCH_LEVEL);
    CheckLevel("clock", CLOCK_LEVEL);
    CheckLevel("high", HIGH_LEVEL);
    CheckLock("lock-from-passive", PASSIVE_LEVEL);
    CheckLock("lock-from-apc", APC_LEVEL);
    CheckLock("lock-from-dispatch", DISPATCH_LEVEL);
    CheckDelay("relative", -250000);
    CheckDelay("absolute", (LONG64)SYSTEM_TIME + 30000000);
    CheckDelay("absolute-past", (LONG64)SYSTEM_TIME - 30000000);
    DbgPrint("clock-start: %I64u\n", SYSTEM_TIME - INTERRUPT_TIME);
}

static VOID DelayAtLevels(VOID)
{
    LARGE_INTEGER Interval;
    KIRQL Old;

    Interval.QuadPart = -1000;
    Old = KfRaiseIrql(APC_LEVEL);
    KeDelayExecutionThread(KernelMode, FALSE, &Interval); HERE();
    KeLowerIrql(Old);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    KeDelayExecutionThread(KernelMode, FALSE, &Interval); HERE();
    KeLowerIrql(Old);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL Old;

    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Lock);
    if (IsNamed(RegistryPath, L"delay-levels")) {
        DelayAtLevels();
    } else if (IsNamed(RegistryPath, L"lock-above-dispatch")) {
        KfRaiseIrql(5);
        KeAcquireSpinLock(&Lock, &Old); HERE();
    } else if (IsNamed(RegistryPath, L"lock-twice")) {
        KeAcquireSpinLock(&Lock, &Old);
        KeAcquireSpinLock(&Lock, &Old); HERE();
    } else if (IsNamed(RegistryPath, L"release-below-dispatch")) {
        KeAcquireSpinLock(&Lock, &Old);
        KeLowerIrql(Old);
        KeReleaseSpinLock(&Lock, Old); HERE();
    } else {
        Observe();
    }
    return STATUS_SUCCESS;
}
