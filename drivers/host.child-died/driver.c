/* Overwrites whatever the fs register leads to, and its stack from here upwards. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile ULONG64 *Thread;
    volatile ULONG64 *Stack = (volatile ULONG64 *)&Thread;

    UNUSED(DriverObject);
    /*
     * In the kernel fs leads nowhere. On this machine it leads to what the host keeps for its thread, and the
     * first word there is its own address.
     */
    __asm__ volatile("movq %%fs:0, %0" : "=r"(Thread));
    HIDE(Stack);
    for (LONG Index = 0; Index < 256; Index++) {
        Thread[Index] = 0xA5A5A5A5A5A5A5A5;
    }
    for (LONG Index = -1; Index > -256; Index--) {
        Thread[Index] = 0xA5A5A5A5A5A5A5A5;
    }
    for (;;) {
        *Stack++ = 0x5A5A5A5A5A5A5A5A;
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
