/* Removes an entry from a list twice, which the check in the removal notices. */
#include "kernel.h"

#define FAST_FAIL_CORRUPT_LIST_ENTRY 3

static LIST_ENTRY Head;
static LIST_ENTRY First;
static LIST_ENTRY Second;

/* What the kit's removal does inline. */
static VOID NOINLINE RemoveChecked(PLIST_ENTRY Entry)
{
    PLIST_ENTRY Next = Entry->Flink;
    PLIST_ENTRY Previous = Entry->Blink;

    if (Next->Blink != Entry || Previous->Flink != Entry) {
        __asm__ volatile("int $0x29" : : "c"(FAST_FAIL_CORRUPT_LIST_ENTRY) : "memory"); /* MARK: CRIME */
    }
    Previous->Flink = Next;
    Next->Blink = Previous;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    RemoveChecked(&First);
    RemoveChecked(&First);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Head.Flink = &First;
    First.Blink = &Head;
    First.Flink = &Second;
    Second.Blink = &First;
    Second.Flink = &Head;
    Head.Blink = &Second;
    return STATUS_SUCCESS;
}
