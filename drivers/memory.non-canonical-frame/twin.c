/* Reads through the frame pointer when it holds an address. */
#include "kernel.h"

static volatile ULONG64 LastValue;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    ULONG64 Local[2] = {0, 0};
    ULONG64 Pointer = (ULONG64)Local;
    ULONG64 Value = 0;

    UNUSED(DriverObject);
    __asm__ volatile("xchgq %%rbp, %1; movq 8(%%rbp), %0; xchgq %%rbp, %1" : "+r"(Value), "+r"(Pointer) : : "memory");
    LastValue = Value;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
