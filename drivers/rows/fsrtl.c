/* The file system library's pool routines, and the one that must not be used. */
#include "rows.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Plain;
    PVOID Quota;
    BOOLEAN Charged;

    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"observe")) {
        Plain = FsRtlAllocatePoolWithTag(PagedPool, 300, 'nalP');
        Quota = FsRtlAllocatePoolWithQuotaTag(NonPagedPoolNx, 300, 'touQ');
        DbgPrint("zero: plain=%u quota=%u\n", IsAll(Plain, 300, 0), IsAll(Quota, 300, 0));
        ExFreePoolWithTag(Plain, 'nalP');
        ExFreePoolWithTag(Quota, 'touQ');
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"wrong")) {
        ExFreePool(FsRtlAllocatePoolWithTag(PagedPool, 10, 0)); HERE();
        ExFreePool(FsRtlAllocatePoolWithTag(PagedPool, 0, TAG)); HERE();
        ExFreePool(FsRtlAllocatePoolWithQuotaTag(PagedPool, 10, 0)); HERE();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"raise")) {
        FsRtlAllocatePoolWithTag(PagedPool, 0xF0000000, TAG); HERE();
    } else if (IsNamed(RegistryPath, L"raise-quota")) {
        /* Not even this keeps it from raising. */
        FsRtlAllocatePoolWithQuotaTag((POOL_TYPE)(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE), 0xF0000000, TAG);
        HERE();
    } else if (IsNamed(RegistryPath, L"size")) {
        Plain = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
        ExQueryPoolBlockSize(Plain, &Charged); HERE();
    }
    DbgPrint("survived: yes\n");
    return STATUS_SUCCESS;
}
