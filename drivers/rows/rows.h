/*
 * What the drivers in this folder share.
 *
 * They commit no crime unless they are told to: they print what they see, a line for each fact, and tests compare the
 * lines with the specification's rows. A driver's name, the last part of its registry path, says which of its cases
 * to play.
 */
#ifndef NTPOOL_DRIVERS_ROWS_H
#define NTPOOL_DRIVERS_ROWS_H

#include "kernel.h"

#define TAG 'swoR' /* Rows */

/* More bytes than the machine has memory. */
#define TOO_MUCH ((SIZE_T)1 << 40)

/* The driver's name. */
static inline UNICODE_STRING DriverName(PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name;
    USHORT Start = RegistryPath->Length / sizeof(WCHAR);

    while (Start > 0 && RegistryPath->Buffer[Start - 1] != L'\\') {
        Start--;
    }
    Name.Buffer = RegistryPath->Buffer + Start;
    Name.Length = RegistryPath->Length - Start * sizeof(WCHAR);
    Name.MaximumLength = Name.Length;
    return Name;
}

/* Whether the driver has this name. */
static inline BOOLEAN IsNamed(PUNICODE_STRING RegistryPath, PCWSTR Wanted)
{
    UNICODE_STRING Name = DriverName(RegistryPath);
    USHORT Length = Name.Length / sizeof(WCHAR);
    USHORT Index;

    for (Index = 0; Index < Length; Index++) {
        if (Wanted[Index] == 0 || Wanted[Index] != Name.Buffer[Index]) {
            return FALSE;
        }
    }
    return Wanted[Length] == 0;
}

/* Whether every byte has this value. */
static inline BOOLEAN IsAll(const VOID *Block, SIZE_T Length, UCHAR Value)
{
    const UCHAR *Bytes = Block;
    SIZE_T Index;

    for (Index = 0; Index < Length; Index++) {
        if (Bytes[Index] != Value) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Writes a function that returns 42 into a block. */
static inline VOID WriteFunction(PUCHAR Block)
{
    static const UCHAR Code[] = {0xB8, 42, 0, 0, 0, 0xC3}; /* mov eax, 42; ret */

    RtlCopyMemory(Block, Code, sizeof(Code));
}

/* Calls a function that lies in a block. */
static inline ULONG CallFunction(PVOID Block)
{
    return ((ULONG(NTAPI *)(VOID))(ULONG_PTR)Block)();
}

#endif
