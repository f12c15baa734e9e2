/* Prints as much as it can, for ever. */
#include "hostile.h"

static const CHAR Line[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(DriverObject);
    UNUSED(RegistryPath);
    FreeTwice();
    for (;;) {
        DbgPrint("%s%s%s%s", Line, Line, Line, Line);
    }
}
