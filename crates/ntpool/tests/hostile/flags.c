/* Calls an import with every flag set that makes ordinary code misbehave: direction and alignment check. */
#include "hostile.h"

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(DriverObject);
    UNUSED(RegistryPath);
    FreeTwice();
    __asm__ volatile("pushfq; orq $0x40400, (%%rsp); popfq" ::: "memory", "cc");
    for (LONG Round = 0; Round < 100; Round++) {
        ExFreePoolWithTag(ExAllocatePool2(POOL_FLAG_NON_PAGED, 16 + Round, TAG), TAG);
        DbgPrint("round %d\n", Round);
    }
    __asm__ volatile("pushfq; andq $~0x40400, (%%rsp); popfq" ::: "memory", "cc");
    return STATUS_SUCCESS;
}
