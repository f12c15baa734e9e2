/* Divides the smallest number by minus one, which has no result. */
#include "kernel.h"

static volatile LONG Dividend = -0x7FFFFFFF - 1;
static volatile LONG Divisor = -1;
static volatile LONG Quotient;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Quotient = Dividend / Divisor; HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
