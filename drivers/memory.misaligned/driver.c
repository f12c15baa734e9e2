/* Loads an aligned vector operand from an address that is not aligned. */
#include "kernel.h"

static UCHAR Data[32] __attribute__((aligned(16)));

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PUCHAR Place = Data + 8;

    UNUSED(DriverObject);
    HIDE(Place);
    __asm__ volatile("movaps (%0), %%xmm0" : : "r"(Place) : "xmm0"); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
