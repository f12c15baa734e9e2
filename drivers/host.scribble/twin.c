/* Reads the first byte of an import and writes to its own stack. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile UCHAR Mine[256];
    volatile UCHAR *Start = (volatile UCHAR *)(ULONG_PTR)DbgPrint;

    UNUSED(DriverObject);
    HIDE(Start);
    for (SIZE_T Distance = 0; Distance < 16 * 1024 * 1024; Distance += 64) {
        Mine[Distance % sizeof(Mine)] = Start[0];
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
