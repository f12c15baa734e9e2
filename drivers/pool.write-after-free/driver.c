/* Counts down a reference in a block that was freed. */
#include "kernel.h"

#define TAG 'tnoC' /* Cont */

typedef struct _SESSION {
    PVOID Buffer;
    volatile ULONG References;
} SESSION;

static SESSION *Context;

static VOID NOINLINE Discard(VOID)
{
    ExFreePoolWithTag(Context, TAG); HERE(); /* MARK: FREED */
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Discard();
    Context->References = 0;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Context = ExAllocatePool2(POOL_FLAG_PAGED, sizeof(*Context), TAG); HERE(); /* MARK: ALLOCATED */
    if (Context == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Context->References = 1;
    return STATUS_SUCCESS;
}
