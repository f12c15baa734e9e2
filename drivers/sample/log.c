/*
 * The driver's log: short texts in a list, appended at any level up to DISPATCH_LEVEL.
 *
 * Records come from slabs. A slab's first granule links it to the others; the rest is records.
 */
#include "sample.h"

/* How many records a slab has when the log grows. */
#define GROWTH 16

/* What precedes the records in a slab. */
#define SLAB_HEADER 16

#define SLAB_SIZE(Count) (SLAB_HEADER + (SIZE_T)(Count) * sizeof(RECORD))

static VOID Append(PLIST_ENTRY List, PLIST_ENTRY Entry)
{
    PLIST_ENTRY Last = List->Blink;

    Entry->Flink = List;
    Entry->Blink = Last;
    Last->Flink = Entry;
    List->Blink = Entry;
}

static PLIST_ENTRY TakeFirst(PLIST_ENTRY List)
{
    PLIST_ENTRY First = List->Flink;

    if (First == List) {
        return NULL;
    }
    List->Flink = First->Flink;
    First->Flink->Blink = List;
    return First;
}

/* Cuts a slab into records. The caller holds the lock or is alone with the log. */
static VOID AddSlab(PLOG Log, PVOID Slab, ULONG Count)
{
    PRECORD Records = (PRECORD)((PUCHAR)Slab + SLAB_HEADER);
    ULONG Index;

    *(PVOID *)Slab = Log->Slabs;
    Log->Slabs = Slab;
    for (Index = 0; Index < Count; Index++) {
        Append(&Log->Unused, &Records[Index].Link);
    }
}

/* Gets more records when the stock is used up. The caller holds the lock. */
static NTSTATUS NOINLINE Grow(PLOG Log)
{
    PVOID Slab;

    Slab = ExAllocatePoolWithTag(PagedPool, SLAB_SIZE(GROWTH), LOG_TAG); /* MARK: GROW */
    if (Slab == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    AddSlab(Log, Slab, GROWTH);
    return STATUS_SUCCESS;
}

NTSTATUS LogOpen(PLOG Log, ULONG RecordCount)
{
    PVOID Slab;

    KeInitializeSpinLock(&Log->Lock);
    Log->Records.Flink = &Log->Records;
    Log->Records.Blink = &Log->Records;
    Log->Unused.Flink = &Log->Unused;
    Log->Unused.Blink = &Log->Unused;
    Log->Slabs = NULL;
    Log->NextNumber = 1;
    Slab = ExAllocatePool2(POOL_FLAG_NON_PAGED, SLAB_SIZE(RecordCount), LOG_TAG);
    if (Slab == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    AddSlab(Log, Slab, RecordCount);
    return STATUS_SUCCESS;
}

/* Appends a text, cut to what a record holds. The text is dropped when there is no memory for it. */
VOID LogAppend(PLOG Log, const CHAR *Text)
{
    PLIST_ENTRY Entry;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Log->Lock, &OldIrql);
    Entry = TakeFirst(&Log->Unused);
    if (Entry == NULL && NT_SUCCESS(Grow(Log))) {
        Entry = TakeFirst(&Log->Unused);
    }
    if (Entry != NULL) {
        PRECORD Record = CONTAINING_RECORD(Entry, RECORD, Link);

        Record->Number = Log->NextNumber++;
        Record->Length = 0;
        while (Record->Length < sizeof(Record->Text) && Text[Record->Length] != '\0') {
            Record->Text[Record->Length] = Text[Record->Length];
            Record->Length++;
        }
        Append(&Log->Records, Entry);
    }
    KeReleaseSpinLock(&Log->Lock, OldIrql);
}

/* Moves the oldest record's text into a buffer and returns its length; 0 when there is none or it does not fit. */
ULONG LogRead(PLOG Log, PCHAR Buffer, ULONG Length)
{
    ULONG Copied = 0;
    PRECORD Record;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Log->Lock, &OldIrql);
    if (Log->Records.Flink != &Log->Records) {
        Record = CONTAINING_RECORD(Log->Records.Flink, RECORD, Link);
        if (Record->Length <= Length) {
            Copied = Record->Length;
            RtlCopyMemory(Buffer, Record->Text, Copied);
            Append(&Log->Unused, TakeFirst(&Log->Records));
        }
    }
    KeReleaseSpinLock(&Log->Lock, OldIrql);
    return Copied;
}

VOID LogClose(PLOG Log)
{
    while (Log->Slabs != NULL) {
        PVOID Slab = Log->Slabs;

        Log->Slabs = *(PVOID *)Slab;
        ExFreePoolWithTag(Slab, LOG_TAG);
    }
}
