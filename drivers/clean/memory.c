/* The routines that copy, move, fill and compare, under both families of names. */
#include "clean.h"

VOID CheckMemory(VOID)
{
    UCHAR Source[64];
    UCHAR Target[64];
    SIZE_T Length = sizeof(Source);
    SIZE_T Index;

    /* Keeps the compiler from doing by itself what the kernel's routines are asked to do. */
    HIDE(Length);
    for (Index = 0; Index < Length; Index++) {
        Source[Index] = (UCHAR)Index;
    }
    RtlFillMemory(Target, Length, 0x5A);
    Check(Target[0] == 0x5A && Target[63] == 0x5A, "RtlFillMemory");
    RtlZeroMemory(Target, Length);
    Check(Target[0] == 0 && Target[63] == 0, "RtlZeroMemory");
    RtlCopyMemory(Target, Source, Length);
    Check(RtlCompareMemory(Target, Source, Length) == Length, "RtlCopyMemory");
    Target[40] ^= 1;
    Check(RtlCompareMemory(Target, Source, Length) == 40, "RtlCompareMemory");
    RtlMoveMemory(Target + 4, Target, Length - 4);
    Check(Target[4] == 0 && Target[63] == 59, "RtlMoveMemory upwards");

    memset(Target, 0x33, Length);
    Check(Target[0] == 0x33 && Target[63] == 0x33, "memset");
    memcpy(Target, Source, Length);
    Check(memcmp(Target, Source, Length) == 0, "memcpy");
    Target[63] = 0;
    Check(memcmp(Target, Source, Length) < 0, "memcmp");
    memmove(Target, Target + 8, Length - 8);
    Check(Target[0] == 8 && Target[55] == 0, "memmove downwards");
}
