/* What the debug prints show. */
#include "rows.h"

static const char Long[] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* Counted strings whose buffers go on behind their length. */
static WCHAR Wide[] = L"counted, and not this";
static char Narrow[] = "counted, and not this";

static VOID PrintUnicode(VOID)
{
    UNICODE_STRING Counted;

    Counted.Buffer = Wide;
    Counted.Length = 7 * sizeof(WCHAR);
    Counted.MaximumLength = sizeof(Wide);
    DbgPrint("C: %C\n", L'C'); HERE();
    DbgPrint("S: %S\n", L"wide"); HERE();
    DbgPrint("lc: %lc\n", L'l'); HERE();
    DbgPrint("ls: %ls\n", L"long"); HERE();
    DbgPrint("wc: %wc\n", L'w'); HERE();
    DbgPrint("ws: %ws\n", L"w-wide"); HERE();
    DbgPrint("wZ: %wZ\n", &Counted); HERE();
}

static VOID PrintPlain(VOID)
{
    ANSI_STRING Counted;

    Counted.Buffer = Narrow;
    Counted.Length = 7;
    Counted.MaximumLength = sizeof(Narrow);
    DbgPrint("Z: %Z\n", &Counted);
    DbgPrint("s: %s %c %u %x\n", "narrow", 'c', 17, 0xBEEF);
}

static VOID PrintNumbers(VOID)
{
    ULONG64 Large = 0x123456789ABCDEF0ULL;

    DbgPrint("pointer: %p\n", (PVOID)Large);
    DbgPrint("signed: %I64d %d\n", -1234567890123LL, -1234567890123LL);
    DbgPrint("unsigned: %I64x %x\n", Large, Large);
    /* The bits of 1.5: a floating-point number would need the compiler's support for them. */
    DbgPrint("float: %f behind=%d\n", 0x3FF8000000000000ULL, 7);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL Old;

    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"unicode-at-apc")) {
        Old = KfRaiseIrql(APC_LEVEL);
        PrintUnicode();
        KeLowerIrql(Old);
        return STATUS_SUCCESS;
    }
    PrintUnicode();
    PrintPlain();
    PrintNumbers();
    DbgPrint("long: %s\n", Long);
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_WARNING_LEVEL, "filed: %u\n", 1);
    Old = KfRaiseIrql(12);
    DbgPrint("device-level: irql=%u %s\n", 12, "narrow");
    KeLowerIrql(Old);
    return STATUS_SUCCESS;
}
