/* Ends a text with a terminator that its block has room for. */
#include "kernel.h"

#define TAG 'txeT' /* Text */
#define LENGTH 90

static PCHAR Text;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExFreePoolWithTag(Text, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONG Index;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Text = ExAllocatePool2(POOL_FLAG_PAGED, LENGTH + 1, TAG);
    if (Text == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (Index = 0; Index < LENGTH; Index++) {
        Text[Index] = 'x';
    }
    Text[Index] = '\0';
    return STATUS_SUCCESS;
}
