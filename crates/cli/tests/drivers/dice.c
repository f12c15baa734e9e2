/* Has the instructions whose answers nobody can repeat. They are not executed: not every processor has them. */
#include "kernel.h"

static volatile LONG Never;

static NOINLINE ULONG Roll(VOID)
{
    ULONG One;
    ULONG Two;

    __asm__ volatile("rdrand %0" : "=r"(One) : : "cc");
    __asm__ volatile("rdrand %0" : "=r"(Two) : : "cc");
    return One + Two;
}

static NOINLINE ULONG64 Sow(VOID)
{
    ULONG64 Seed;

    __asm__ volatile("rdseed %0" : "=r"(Seed) : : "cc");
    return Seed;
}

static NOINLINE ULONG64 Where(VOID)
{
    ULONG64 Number;

    __asm__ volatile("rdpid %0" : "=r"(Number));
    return Number;
}

static NOINLINE ULONG Who(VOID)
{
    ULONG Leaf = 1;
    ULONG Number;

    __asm__ volatile("cpuid" : "+a"(Leaf), "=b"(Number) : : "rcx", "rdx");
    return Number >> 24;
}

/* The same bytes where they are none. */
static NOINLINE ULONG Innocent(VOID)
{
    ULONG Bytes;

    __asm__ volatile("movl $0x90F0C70F, %0" : "=r"(Bytes));
    return Bytes;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    if (Never) {
        Never = (LONG)(Roll() + Sow() + Where() + Who());
    }
    return Innocent() == 0 ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}
