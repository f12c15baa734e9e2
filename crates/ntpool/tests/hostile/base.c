/* Points fs, in which the host's thread variables are found, at nothing, then calls an import. */
#include "hostile.h"

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(DriverObject);
    UNUSED(RegistryPath);
    FreeTwice();
    __asm__ volatile("xorl %%eax, %%eax; wrfsbase %%rax" ::: "rax", "memory");
    ExFreePoolWithTag(ExAllocatePool2(POOL_FLAG_NON_PAGED, 48, TAG), TAG);
    DbgPrint("still here\n");
    return STATUS_SUCCESS;
}
