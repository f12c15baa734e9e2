/* Leaves blocks behind that it allocated at three places. */
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

    Name = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(struct Name), NAME_TAG); HERE(); /* MARK: NAME */
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
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Cache = ExAllocatePoolWithTagPriority(PagedPool, 6000, PAGE_TAG, NormalPoolPriority); HERE(); /* MARK: CACHE */
    Scratch = ExAllocatePool(NonPagedPool, 24); HERE(); /* MARK: SCRATCH */
    for (ULONG Number = 0; Number < NameCount; Number++) {
        Remember(Number);
    }
    return STATUS_SUCCESS;
}
