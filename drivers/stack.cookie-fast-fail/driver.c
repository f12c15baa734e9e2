/* Overruns a stack buffer in a driver of a current kit. */
#include "kernel.h"

/* Copies a name and believes what the caller says about its length. */
static ULONG NOINLINE CopyName(const UCHAR *Name, SIZE_T Length)
{
    UCHAR Buffer[32];
    volatile UCHAR *Next = Buffer;

    for (SIZE_T Index = 0; Index < Length; Index++) {
        Next[Index] = Name[Index];
    }
    return Buffer[0];
}

static const UCHAR Name[] = "a name that is a little longer than the buffer";
static volatile SIZE_T NameLength = sizeof(Name);
static volatile ULONG First;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    First = CopyName(Name, NameLength);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
