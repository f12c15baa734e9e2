/* Recurses within its stack. */
#include "kernel.h"

/* Needs 16 KiB of stack; there are 24. */
#define DEPTH 14

static volatile ULONG Deepest;

/* On one line, since any of its instructions may be the one that touches the guard page. */
static ULONG NOINLINE Descend(ULONG Left) { volatile UCHAR Frame[1024]; USE_ALL(Frame); Frame[0] = (UCHAR)Left; Frame[1023] = Left == 0 ? 0 : (UCHAR)Descend(Left - 1); return Frame[0] + (ULONG)Frame[1023]; }

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Deepest = Descend(DEPTH);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
