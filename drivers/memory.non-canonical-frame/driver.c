/* Reads through the frame pointer when it holds data. */
#include "kernel.h"

static volatile ULONG64 LastValue;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    ULONG64 Pointer = 0x4242424242424242;
    ULONG64 Value = 0;

    UNUSED(DriverObject);
    __asm__ volatile("xchgq %%rbp, %1; movq 8(%%rbp), %0; xchgq %%rbp, %1" : "+r"(Value), "+r"(Pointer)); /* MARK: CRIME */
    LastValue = Value;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
