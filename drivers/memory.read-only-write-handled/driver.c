/* Writes to a constant, with a handler for everything around it. */
#include "seh.h"

static const UCHAR Constant[] = "a constant";

static VOID NOINLINE Scribble(VOID)
{
    volatile UCHAR *Byte = (volatile UCHAR *)Constant;

    HIDE(Byte);
    *Byte = 'A'; HERE(); /* MARK: CRIME */
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    TRY_ALWAYS(Blanket, Scribble(), DbgPrint("handled\n"));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
