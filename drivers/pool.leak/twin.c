/* Frees all that it allocated, in the reverse order. */
#include "kernel.h"

#define NAME_TAG 'emaN' /* Name */
#define PAGE_TAG 'egaP' /* Page */

struct Name {
    struct Name *Next;
    WCHAR Text[20];
};

static struct Name *Names;
static PVOID Cache;
static PVOID Scratch;

/* How many names to remember; volatile, so that the compiler keeps the loop and with it one calling line. */
static volatile ULONG NameCount = 3;

static NTSTATUS NOINLINE Remember(ULONG Number)
{
    struct Name *Name;

    Name = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(struct Name), NAME_TAG);
    if (Name == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Name->Text[0] = (WCHAR)('0' + Number);
    Name->Next = Names;
    Names = Name;
    return STATUS_SUCCESS;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    while (Names != NULL) {
        struct Name *Name = Names;
        Names = Name->Next;
        ExFreePoolWithTag(Name, NAME_TAG);
    }
    if (Scratch != NULL) {
        ExFreePool(Scratch);
    }
    if (Cache != NULL) {
        ExFreePoolWithTag(Cache, PAGE_TAG);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Cache = ExAllocatePoolWithTagPriority(PagedPool, 6000, PAGE_TAG, NormalPoolPriority);
    Scratch = ExAllocatePool(NonPagedPool, 24);
    for (ULONG Number = 0; Number < NameCount; Number++) {
        Remember(Number);
    }
    return STATUS_SUCCESS;
}
