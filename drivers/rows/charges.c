/* The pool quota that a driver charges to a process by itself. */
#include "rows.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* How much of one pool's quota is left, tried in steps. */
static ULONG_PTR Left(POOL_TYPE Type)
{
    PEPROCESS Process = PsGetCurrentProcess();
    ULONG_PTR Sum = 0;
    ULONG_PTR Step;

    for (Step = 1 << 24; Step != 0; Step /= 2) {
        if (NT_SUCCESS(PsChargeProcessPoolQuota(Process, Type, Step))) {
            Sum += Step;
        }
    }
    PsReturnPoolQuota(Process, Type, Sum);
    return Sum;
}

static BOOLEAN LiesWell(SIZE_T Length)
{
    PUCHAR Block = ExAllocatePoolWithQuotaTag(NonPagedPoolNx, Length, TAG);
    ULONG_PTR Address = (ULONG_PTR)Block;
    BOOLEAN Well = Length < PAGE_SIZE
                       ? Address % 16 == 0 && Address / PAGE_SIZE == (Address + Length - 1) / PAGE_SIZE
                       : Address % PAGE_SIZE == 0;

    ExFreePoolWithTag(Block, TAG);
    return Well;
}

static VOID Observe(VOID)
{
    PEPROCESS Process = PsGetCurrentProcess();
    ULONG_PTR Paged = Left(PagedPool);
    ULONG_PTR Nonpaged = Left(NonPagedPool);
    PVOID Block;

    DbgPrint("limits: paged=%u nonpaged=%u\n", (ULONG)Paged, (ULONG)Nonpaged);
    PsChargePoolQuota(Process, PagedPool, 1000);
    DbgPrint("charged: paged=%u nonpaged=%u\n", (ULONG)(Paged - Left(PagedPool)),
             (ULONG)(Nonpaged - Left(NonPagedPool)));
    PsReturnPoolQuota(Process, PagedPool, 400);
    DbgPrint("returned: paged=%u\n", (ULONG)(Paged - Left(PagedPool)));
    PsReturnPoolQuota(Process, PagedPoolCacheAligned, 600);
    DbgPrint("returned-all: paged=%u\n", (ULONG)(Paged - Left(PagedPool)));
    DbgPrint("too-much: status=%08x paged=%u\n", PsChargeProcessPoolQuota(Process, PagedPool, Paged + 1),
             (ULONG)(Paged - Left(PagedPool)));
    PsChargePoolQuota(Process, NonPagedPoolCacheAligned, 50);
    PsChargePoolQuota(Process, NonPagedPoolNx, 60);
    DbgPrint("types: nonpaged=%u\n", (ULONG)(Nonpaged - Left(NonPagedPool)));
    PsReturnPoolQuota(Process, NonPagedPool, 110);
    DbgPrint("by-kind: nonpaged=%08x paged=%08x", PsChargeProcessNonPagedPoolQuota(Process, 10),
             PsChargeProcessPagedPoolQuota(Process, 20));
    DbgPrint(" charged=%u,%u\n", (ULONG)(Nonpaged - Left(NonPagedPool)), (ULONG)(Paged - Left(PagedPool)));
    PsReturnProcessNonPagedPoolQuota(Process, 10);
    PsReturnProcessPagedPoolQuota(Process, 20);
    Block = ExAllocatePoolWithQuotaTag(PagedPool, 300, TAG);
    DbgPrint("block: paged=%u", (ULONG)(Paged - Left(PagedPool)));
    ExFreePoolWithTag(Block, TAG);
    DbgPrint(" freed=%u\n", (ULONG)(Paged - Left(PagedPool)));
    DbgPrint("geometry: %u %u %u %u %u\n", LiesWell(1), LiesWell(100), LiesWell(2001), LiesWell(PAGE_SIZE),
             LiesWell(PAGE_SIZE + 1));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PEPROCESS Process = PsGetCurrentProcess();
    KIRQL Old;

    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"observe")) {
        Observe();
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"levels")) {
        Old = KfRaiseIrql(APC_LEVEL);
        PsChargePoolQuota(Process, PagedPool, 10); HERE();
        PsReturnPoolQuota(Process, PagedPool, 10); HERE();
        KeLowerIrql(Old);
        Old = KfRaiseIrql(DISPATCH_LEVEL);
        PsChargePoolQuota(Process, PagedPool, 10); HERE();
        PsReturnPoolQuota(Process, PagedPool, 10); HERE();
        KeLowerIrql(Old);
        return STATUS_SUCCESS;
    }
    if (IsNamed(RegistryPath, L"charge")) {
        PsChargePoolQuota(Process, PagedPool, Left(PagedPool) + 1); HERE();
    } else if (IsNamed(RegistryPath, L"return")) {
        PsReturnPoolQuota(Process, PagedPool, 1); HERE();
    } else if (IsNamed(RegistryPath, L"must-succeed")) {
        PsChargePoolQuota(Process, NonPagedPoolMustSucceed, 1); HERE();
    }
    DbgPrint("survived: yes\n");
    return STATUS_SUCCESS;
}
