/* Counted strings: made, copied, joined, compared, converted and freed. */
#include "clean.h"

static VOID CheckInitialized(VOID)
{
    static const WCHAR Text[] = L"seven77";
    UNICODE_STRING Wide;
    ANSI_STRING Narrow;

    RtlInitUnicodeString(&Wide, Text);
    Check(Wide.Buffer == Text && Wide.Length == 14 && Wide.MaximumLength == 16, "RtlInitUnicodeString");
    RtlInitUnicodeString(&Wide, NULL);
    Check(Wide.Buffer == NULL && Wide.Length == 0 && Wide.MaximumLength == 0, "RtlInitUnicodeString of nothing");
    RtlInitAnsiString(&Narrow, "seven77");
    Check(Narrow.Length == 7 && Narrow.MaximumLength == 8, "RtlInitAnsiString");
}

static VOID CheckCopied(VOID)
{
    UNICODE_STRING Source = RTL_CONSTANT_STRING(L"one");
    UNICODE_STRING Joined = RTL_CONSTANT_STRING(L"onetwoone");
    UNICODE_STRING Target;
    WCHAR Room[9];
    NTSTATUS Status;

    Target.Buffer = Room;
    Target.Length = 0;
    Target.MaximumLength = sizeof(Room);
    RtlCopyUnicodeString(&Target, &Source);
    Check(Target.Length == 6 && RtlCompareUnicodeString(&Target, &Source, FALSE) == 0, "RtlCopyUnicodeString");
    Status = RtlAppendUnicodeToString(&Target, L"two");
    Check(NT_SUCCESS(Status) && Target.Length == 12, "RtlAppendUnicodeToString");
    Status = RtlAppendUnicodeStringToString(&Target, &Source);
    Check(NT_SUCCESS(Status) && RtlEqualUnicodeString(&Target, &Joined, FALSE), "RtlAppendUnicodeStringToString");
    Status = RtlAppendUnicodeToString(&Target, L"x");
    Check(Status == STATUS_BUFFER_TOO_SMALL && Target.Length == 18, "an append that does not fit");
    RtlCopyUnicodeString(&Target, NULL);
    Check(Target.Length == 0, "RtlCopyUnicodeString of nothing");
}

static VOID CheckCompared(VOID)
{
    UNICODE_STRING Upper = RTL_CONSTANT_STRING(L"POOL");
    UNICODE_STRING Lower = RTL_CONSTANT_STRING(L"pool");
    UNICODE_STRING Longer = RTL_CONSTANT_STRING(L"pools");
    UNICODE_STRING Raised;
    NTSTATUS Status;

    Check(!RtlEqualUnicodeString(&Upper, &Lower, FALSE), "RtlEqualUnicodeString, case matters");
    Check(RtlEqualUnicodeString(&Upper, &Lower, TRUE), "RtlEqualUnicodeString, case ignored");
    Check(RtlCompareUnicodeString(&Lower, &Longer, FALSE) < 0, "RtlCompareUnicodeString, shorter first");
    Check(RtlCompareUnicodeString(&Lower, &Upper, FALSE) > 0, "RtlCompareUnicodeString, capitals first");
    Status = RtlUpcaseUnicodeString(&Raised, &Lower, TRUE);
    Check(NT_SUCCESS(Status), "RtlUpcaseUnicodeString");
    if (NT_SUCCESS(Status)) {
        Check(RtlEqualUnicodeString(&Raised, &Upper, FALSE), "RtlUpcaseUnicodeString, the result");
        RtlFreeUnicodeString(&Raised);
    }
}

static VOID CheckConverted(VOID)
{
    UNICODE_STRING Wide = RTL_CONSTANT_STRING(L"convert me");
    UNICODE_STRING Number = RTL_CONSTANT_STRING(L"0x1f");
    UNICODE_STRING Digits;
    UNICODE_STRING Back;
    ANSI_STRING Narrow;
    WCHAR Room[16];
    ULONG Value = 0;
    NTSTATUS Status;

    Status = RtlUnicodeStringToAnsiString(&Narrow, &Wide, TRUE);
    Check(NT_SUCCESS(Status), "RtlUnicodeStringToAnsiString");
    if (NT_SUCCESS(Status)) {
        Check(Narrow.Length == 10 && memcmp(Narrow.Buffer, "convert me", 10) == 0, "the converted string");
        Status = RtlAnsiStringToUnicodeString(&Back, &Narrow, TRUE);
        Check(NT_SUCCESS(Status), "RtlAnsiStringToUnicodeString");
        if (NT_SUCCESS(Status)) {
            Check(RtlEqualUnicodeString(&Back, &Wide, FALSE), "the string converted back");
            RtlFreeUnicodeString(&Back);
        }
        RtlFreeAnsiString(&Narrow);
    }

    Status = RtlUnicodeStringToInteger(&Number, 0, &Value);
    Check(NT_SUCCESS(Status) && Value == 31, "RtlUnicodeStringToInteger");
    Digits.Buffer = Room;
    Digits.Length = 0;
    Digits.MaximumLength = sizeof(Room);
    Status = RtlIntegerToUnicodeString(4711, 10, &Digits);
    RtlInitUnicodeString(&Number, L"4711");
    Check(NT_SUCCESS(Status) && RtlEqualUnicodeString(&Digits, &Number, FALSE), "RtlIntegerToUnicodeString");
}

VOID CheckStrings(VOID)
{
    CheckInitialized();
    CheckCopied();
    CheckCompared();
    CheckConverted();
}
