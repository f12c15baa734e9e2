/* Counted strings. */
#include "rows.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static UNICODE_STRING Empty(PWCHAR Buffer, USHORT MaximumLength)
{
    UNICODE_STRING String;

    String.Buffer = Buffer;
    String.Length = 0;
    String.MaximumLength = MaximumLength;
    return String;
}

static VOID CheckInit(VOID)
{
    static const WCHAR Wide[] = L"seven77";
    static const char Narrow[] = "seven77";
    UNICODE_STRING String;
    ANSI_STRING Ansi;

    RtlInitUnicodeString(&String, Wide);
    DbgPrint("init: length=%u maximum=%u same=%u\n", String.Length, String.MaximumLength, String.Buffer == Wide);
    RtlInitUnicodeString(&String, NULL);
    DbgPrint("init-null: length=%u maximum=%u buffer=%p\n", String.Length, String.MaximumLength, String.Buffer);
    RtlInitAnsiString(&Ansi, Narrow);
    DbgPrint("init-ansi: length=%u maximum=%u same=%u\n", Ansi.Length, Ansi.MaximumLength, Ansi.Buffer == Narrow);
}

/* A terminated source that is just short enough, just too long, and much too long. */
static VOID CheckLong(VOID)
{
    static const USHORT Lengths[] = {32766, 32767, 32768, 40000};
    PWCHAR Source = ExAllocatePool2(POOL_FLAG_PAGED, 100000, TAG);
    UNICODE_STRING String;
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Lengths); Index++) {
        ULONG Place;

        for (Place = 0; Place < Lengths[Index]; Place++) {
            Source[Place] = L'x';
        }
        Source[Place] = 0;
        RtlInitUnicodeString(&String, Source);
        DbgPrint("long-%u: length=%u maximum=%u\n", Lengths[Index], String.Length, String.MaximumLength);
    }
    ExFreePoolWithTag(Source, TAG);
}

/* Buffers without terminators, compared by their counts. */
static VOID CheckCounts(VOID)
{
    WCHAR One[] = {L'p', L'o', L'o', L'l', L'X'};
    WCHAR Other[] = {L'p', L'o', L'o', L'l', L'Y'};
    UNICODE_STRING Left = Empty(One, sizeof(One));
    UNICODE_STRING Right = Empty(Other, sizeof(Other));

    Left.Length = 8;
    Right.Length = 8;
    DbgPrint("counts: size=%u four=%u\n", (ULONG)sizeof(UNICODE_STRING), RtlEqualUnicodeString(&Left, &Right, FALSE));
    Left.Length = 10;
    Right.Length = 10;
    DbgPrint("counts-five: %u\n", RtlEqualUnicodeString(&Left, &Right, FALSE));
}

static VOID CheckCopy(VOID)
{
    UNICODE_STRING Source = RTL_CONSTANT_STRING(L"abcdef");
    WCHAR Room[8] = L"........";
    UNICODE_STRING Target = Empty(Room, 6);

    RtlCopyUnicodeString(&Target, &Source);
    DbgPrint("copy-cut: length=%u maximum=%u room=%.8ws\n", Target.Length, Target.MaximumLength, Room);
    Target.MaximumLength = sizeof(Room);
    RtlCopyUnicodeString(&Target, &Source);
    DbgPrint("copy: length=%u maximum=%u room=%.8ws\n", Target.Length, Target.MaximumLength, Room);
    RtlCopyUnicodeString(&Target, NULL);
    DbgPrint("copy-null: length=%u maximum=%u buffer=%u\n", Target.Length, Target.MaximumLength, Target.Buffer == Room);
}

static VOID CheckAppend(VOID)
{
    UNICODE_STRING Three = RTL_CONSTANT_STRING(L"123");
    WCHAR Room[8] = L"........";
    UNICODE_STRING Target = Empty(Room, 12);
    NTSTATUS Status;

    Status = RtlAppendUnicodeStringToString(&Target, &Three);
    DbgPrint("append: status=%x length=%u room=%.8ws\n", Status, Target.Length, Room);
    Status = RtlAppendUnicodeToString(&Target, L"abc");
    DbgPrint("append-text: status=%x length=%u room=%.8ws\n", Status, Target.Length, Room);
    Target.Length = 8;
    Status = RtlAppendUnicodeStringToString(&Target, &Three);
    DbgPrint("append-too-long: status=%x length=%u room=%.8ws\n", Status, Target.Length, Room);
    Status = RtlAppendUnicodeToString(&Target, L"xyz");
    DbgPrint("append-text-too-long: status=%x length=%u room=%.8ws\n", Status, Target.Length, Room);
}

static VOID CheckConversions(VOID)
{
    UNICODE_STRING Wide = RTL_CONSTANT_STRING(L"Convert me");
    UNICODE_STRING Back;
    UNICODE_STRING Upper;
    ANSI_STRING Narrow;
    NTSTATUS Status;

    Status = RtlUnicodeStringToAnsiString(&Narrow, &Wide, TRUE);
    DbgPrint("to-ansi: status=%x length=%u text=%Z\n", Status, Narrow.Length, &Narrow);
    Status = RtlAnsiStringToUnicodeString(&Back, &Narrow, TRUE);
    DbgPrint("to-unicode: status=%x length=%u text=%wZ\n", Status, Back.Length, &Back);
    Status = RtlUpcaseUnicodeString(&Upper, &Wide, TRUE);
    DbgPrint("to-upper: status=%x length=%u text=%wZ\n", Status, Upper.Length, &Upper);
    RtlFreeAnsiString(&Narrow);
    RtlFreeUnicodeString(&Back);
    RtlFreeUnicodeString(&Upper);
    DbgPrint("freed: %p %p %p\n", Narrow.Buffer, Back.Buffer, Upper.Buffer);
}

/* Into a buffer of the caller's, which may be too small. */
static VOID CheckConversionsInPlace(VOID)
{
    UNICODE_STRING Wide = RTL_CONSTANT_STRING(L"abc");
    char Room[4];
    ANSI_STRING Narrow;
    NTSTATUS Status;

    Narrow.Buffer = Room;
    Narrow.Length = 0;
    Narrow.MaximumLength = 4;
    Status = RtlUnicodeStringToAnsiString(&Narrow, &Wide, FALSE);
    DbgPrint("in-place: status=%x length=%u same=%u terminated=%u\n", Status, Narrow.Length, Narrow.Buffer == Room,
             Room[3] == 0);
    Narrow.MaximumLength = 3;
    Status = RtlUnicodeStringToAnsiString(&Narrow, &Wide, FALSE);
    DbgPrint("in-place-too-small: %x\n", Status);
}

static VOID CheckInteger(PCWSTR Text, ULONG Base)
{
    UNICODE_STRING String;
    ULONG Value = 0xEEEE;
    NTSTATUS Status;

    RtlInitUnicodeString(&String, Text);
    Status = RtlUnicodeStringToInteger(&String, Base, &Value);
    DbgPrint("integer-%u-%ws: status=%x value=%x\n", Base, Text, Status, Value);
}

static VOID CheckIntegers(VOID)
{
    CheckInteger(L"0x1f", 0);
    CheckInteger(L"0o17", 0);
    CheckInteger(L"0b101", 0);
    CheckInteger(L"19", 0);
    CheckInteger(L"word", 10);
    CheckInteger(L"", 10);
}

/* Every routine of the family at a level where only the freeing ones may be called. */
static VOID CallAtApcLevel(VOID)
{
    UNICODE_STRING Wide = RTL_CONSTANT_STRING(L"12");
    UNICODE_STRING Other = RTL_CONSTANT_STRING(L"13");
    WCHAR Room[8];
    UNICODE_STRING Target = Empty(Room, sizeof(Room));
    UNICODE_STRING Back;
    ANSI_STRING Narrow;
    ULONG Value;
    KIRQL Old = KfRaiseIrql(APC_LEVEL);

    RtlUnicodeStringToAnsiString(&Narrow, &Wide, TRUE); HERE();
    RtlAnsiStringToUnicodeString(&Back, &Narrow, TRUE); HERE();
    RtlUpcaseUnicodeString(&Target, &Wide, FALSE); HERE();
    RtlCompareUnicodeString(&Wide, &Other, TRUE); HERE();
    RtlEqualUnicodeString(&Wide, &Other, TRUE); HERE();
    RtlUnicodeStringToInteger(&Wide, 10, &Value); HERE();
    RtlIntegerToUnicodeString(12, 10, &Target); HERE();
    RtlFreeAnsiString(&Narrow); HERE();
    RtlFreeUnicodeString(&Back); HERE();
    KeLowerIrql(Old);
}

static VOID FreeAtDispatchLevel(VOID)
{
    UNICODE_STRING Wide = RTL_CONSTANT_STRING(L"12");
    UNICODE_STRING Upper;
    ANSI_STRING Narrow;
    KIRQL Old;

    RtlUpcaseUnicodeString(&Upper, &Wide, TRUE);
    RtlUnicodeStringToAnsiString(&Narrow, &Wide, TRUE);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    RtlFreeUnicodeString(&Upper); HERE();
    RtlFreeAnsiString(&Narrow); HERE();
    KeLowerIrql(Old);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"apc")) {
        CallAtApcLevel();
    } else if (IsNamed(RegistryPath, L"dispatch")) {
        FreeAtDispatchLevel();
    } else {
        CheckInit();
        CheckLong();
        CheckCounts();
        CheckCopy();
        CheckAppend();
        CheckConversions();
        CheckConversionsInPlace();
        CheckIntegers();
    }
    return STATUS_SUCCESS;
}
