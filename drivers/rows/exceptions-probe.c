/* Probes, faults and traps: which exception each of them is. */
#include "exceptions.h"

TELLING_FILTER(Taking, "filter", EXCEPTION_EXECUTE_HANDLER)

/* Only the code: whether a probe finds out by looking or by a fault is its own affair. */
FILTER(TakingCode)
{
    UNUSED(Frame);
    EVENT("code=%x", Pointers->ExceptionRecord->ExceptionCode);
    return EXCEPTION_EXECUTE_HANDLER;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* ---- Probes. */

static VOID NOINLINE Probe(BOOLEAN Write, ULONG64 Address, SIZE_T Length, ULONG Alignment)
{
    if (Write) {
        ProbeForWrite((PVOID)(ULONG_PTR)Address, Length, Alignment);
    } else {
        ProbeForRead((PVOID)(ULONG_PTR)Address, Length, Alignment);
    }
    EVENT("passed");
}

static VOID SCOPED ProbeTaken(BOOLEAN Write, ULONG64 Address, SIZE_T Length, ULONG Alignment)
{
    TRY_EXCEPT(ProbeTaken, Probe(Write, Address, Length, Alignment), TakingCode, (void)0);
}

#define PROBE(Subject, Address, Length, Alignment)                                                                    \
    CASE("read-" Subject, ProbeTaken(FALSE, (ULONG64)(Address), Length, Alignment));                                  \
    CASE("write-" Subject, ProbeTaken(TRUE, (ULONG64)(Address), Length, Alignment))

static ULONG Mine[4];

static VOID CheckProbes(VOID)
{
    PVOID Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, TAG);

    PROBE("user", 0x10000, 64, 1);
    PROBE("misaligned-2", 0x10001, 64, 2);
    PROBE("misaligned-4", 0x10002, 64, 4);
    PROBE("misaligned-8", 0x10004, 64, 8);
    PROBE("misaligned-16", 0x10008, 64, 16);
    PROBE("nothing-null", 0, 0, 1);
    PROBE("nothing-misaligned", 0x10001, 0, 4);
    PROBE("nothing-kernel", (ULONG_PTR)Mine, 0, 4);
    PROBE("wrap", 0x10000, ~(SIZE_T)0, 1);
    PROBE("wrap-high", ~(ULONG64)15, 32, 1);
    PROBE("data", (ULONG_PTR)Mine, sizeof(Mine), 4);
    PROBE("pool", (ULONG_PTR)Block, 64, 1);
    PROBE("into-kernel", 0x10000, (SIZE_T)1 << 62, 1);
    /* The first address that a user can't own is the machine's choice. */
    PROBE("limit-below", 0x7FFF0000 - 16, 16, 1);
    PROBE("limit-across", 0x7FFF0000 - 15, 16, 1);
    PROBE("limit", 0x7FFF0000, 1, 1);
    ExFreePoolWithTag(Block, TAG);
}

/* ---- Routines that raise. */

static VOID NOINLINE RaiseAccessViolation(VOID)
{
    ExRaiseAccessViolation();
}

static VOID NOINLINE RaiseMisalignment(VOID)
{
    ExRaiseDatatypeMisalignment();
}

static VOID NOINLINE RaiseRtl(VOID)
{
    RtlRaiseStatus(STATUS_IN_PAGE_ERROR);
}

static VOID NOINLINE RaiseEx(VOID)
{
    ExRaiseStatus(STATUS_OBJECT_NAME_NOT_FOUND);
}

static VOID NOINLINE RaiseQuota(VOID)
{
    ExAllocatePoolWithQuotaTag(PagedPool, TOO_MUCH, TAG);
    EVENT("survived");
}

static VOID NOINLINE RaisePool(VOID)
{
    ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_RAISE_ON_FAILURE, TOO_MUCH, TAG);
    EVENT("survived");
}

/* ---- Faults and traps; functions without unwind data. */

__asm__(".text\n"
        "Load: movl (%rcx), %eax\n    ret\n"
        "Store: movl $1, (%rcx)\n    ret\n"
        "AlignedLoad: movaps (%rcx), %xmm0\n    ret\n"
        "Divide: movl %ecx, %eax\n    movl %edx, %r8d\n    cltd\n    idivl %r8d\n    ret\n"
        "Illegal: ud2\n    ret\n"
        "Break: int3\n    ret\n"
        "FastFail: movl $5, %ecx\n    int $0x29\n    ret\n"
        ".globl Load, Store, AlignedLoad, Divide, Illegal, Break, FastFail\n");

ULONG NTAPI Load(PVOID Address);
VOID NTAPI Store(PVOID Address);
VOID NTAPI AlignedLoad(PVOID Address);
LONG NTAPI Divide(LONG Dividend, LONG Divisor);
VOID NTAPI Illegal(VOID);
VOID NTAPI Break(VOID);
VOID NTAPI FastFail(VOID);

static VOID NOINLINE Call(PVOID Address)
{
    HIDE(Address);
    ((VOID(NTAPI *)(VOID))(ULONG_PTR)Address)();
    EVENT("returned");
}

static VOID NOINLINE CopyFrom(PVOID Address)
{
    UCHAR Copy[64];

    RtlCopyMemory(Copy, Address, sizeof(Copy));
    EVENT("copied");
}

static VOID NOINLINE CopyTo(PVOID Address)
{
    UCHAR Copy[64] = {0};

    RtlCopyMemory(Address, Copy, sizeof(Copy));
    EVENT("copied");
}

static VOID SCOPED TakeLoad(ULONG64 Address)
{
    TRY_EXCEPT(TakeLoad, Load((PVOID)(ULONG_PTR)Address), Taking, EVENT("handler"));
}

static VOID SCOPED TakeStore(ULONG64 Address)
{
    TRY_EXCEPT(TakeStore, Store((PVOID)(ULONG_PTR)Address), Taking, EVENT("handler"));
}

static VOID SCOPED TakeCall(ULONG64 Address)
{
    TRY_EXCEPT(TakeCall, Call((PVOID)(ULONG_PTR)Address), Taking, EVENT("handler"));
}

static VOID SCOPED TakeCopyFrom(ULONG64 Address)
{
    TRY_EXCEPT(TakeCopyFrom, CopyFrom((PVOID)(ULONG_PTR)Address), Taking, EVENT("handler"));
}

static VOID SCOPED TakeCopyTo(ULONG64 Address)
{
    TRY_EXCEPT(TakeCopyTo, CopyTo((PVOID)(ULONG_PTR)Address), Taking, EVENT("handler"));
}

static VOID SCOPED TakeDivide(LONG Dividend, LONG Divisor)
{
    TRY_EXCEPT(TakeDivide, EVENT("quotient=%d", Divide(Dividend, Divisor)), TakingCode, EVENT("handler"));
}

static VOID SCOPED TakeAlignedLoad(PVOID Address)
{
    TRY_EXCEPT(TakeAlignedLoad, AlignedLoad(Address), Taking, EVENT("handler"));
}

static VOID SCOPED TakeCall0(VOID(NTAPI *Routine)(VOID))
{
    TRY_EXCEPT(TakeCall0, Routine(), TakingCode, EVENT("handler"));
}

static VOID CheckLimits(VOID)
{
    ULONG64 Limit = MmUserProbeAddress;

    DbgPrint("limits: probe=%I64x highest=%I64x system=%I64x\n", Limit, (ULONG64)(ULONG_PTR)MmHighestUserAddress,
             (ULONG64)(ULONG_PTR)MmSystemRangeStart);
    PROBE("variable-below", Limit - 16, 16, 1);
    PROBE("variable-across", Limit - 15, 16, 1);
    PROBE("variable", Limit, 1, 1);
    DbgPrint("image: above=%u\n", (ULONG_PTR)Mine >= (ULONG_PTR)MmSystemRangeStart);
}

static VOID Observe(VOID)
{
    static UCHAR __attribute__((aligned(16))) Bytes[32];

    CheckProbes();
    CheckLimits();
    CASE("raise-access", TakeCall0(RaiseAccessViolation));
    CASE("raise-misaligned", TakeCall0(RaiseMisalignment));
    CASE("raise-rtl", TakeCall0(RaiseRtl));
    CASE("raise-ex", TakeCall0(RaiseEx));
    CASE("raise-quota", TakeCall0(RaiseQuota));
    CASE("raise-pool", TakeCall0(RaisePool));
    CASE("load-null", TakeLoad(0));
    CASE("load-member", TakeLoad(0x58));
    CASE("load-user", TakeLoad(0x10000));
    CASE("load-high", TakeLoad(0x7FFD0000));
    CASE("load-odd", TakeLoad(0x8000000000000001));
    CASE("store-null", TakeStore(0));
    CASE("store-user", TakeStore(0x10010));
    CASE("store-odd", TakeStore(0x0123456789ABCDEF));
    CASE("call-null", TakeCall(0));
    CASE("call-user", TakeCall(0x10020));
    CASE("copy-from", TakeCopyFrom(0x10000));
    CASE("copy-to", TakeCopyTo(0x20000));
    CASE("divide", TakeDivide(7, 0));
    CASE("overflow", TakeDivide(-0x7FFFFFFF - 1, -1));
    CASE("divided", TakeDivide(-7, 2));
    CASE("aligned-load", TakeAlignedLoad(Bytes + 8));
    CASE("illegal", TakeCall0(Illegal));
    CASE("break", TakeCall0(Break));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL Old;

    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"fast-fail")) {
        CASE("fast-fail", TakeCall0(FastFail));
    } else if (IsNamed(RegistryPath, L"bad-pointer")) {
        DbgPrint("address: %I64x\n", (ULONG64)(ULONG_PTR)MmBadPointer);
        CASE("bad-pointer", TakeLoad((ULONG64)(ULONG_PTR)MmBadPointer));
    } else if (IsNamed(RegistryPath, L"bad-pointer-end")) {
        CASE("bad-pointer-end", TakeStore((ULONG64)(ULONG_PTR)MmBadPointer + PAGE_SIZE - 4));
    } else if (IsNamed(RegistryPath, L"bad-pointer-high")) {
        KfRaiseIrql(DISPATCH_LEVEL);
        CASE("bad-pointer-high", TakeLoad((ULONG64)(ULONG_PTR)MmBadPointer));
    } else if (IsNamed(RegistryPath, L"levels")) {
        /* The probes and the first raise go up to APC_LEVEL, the other two must be called at PASSIVE_LEVEL. */
        Old = KfRaiseIrql(APC_LEVEL);
        CASE("raise-ex", TakeCall0(RaiseEx));
        CASE("read-user", ProbeTaken(FALSE, 0x10000, 64, 1));
        CASE("write-user", ProbeTaken(TRUE, 0x10000, 64, 1));
        CASE("raise-access", TakeCall0(RaiseAccessViolation));
        CASE("raise-misaligned", TakeCall0(RaiseMisalignment));
        KeLowerIrql(Old);
    } else {
        Observe();
    }
    return STATUS_SUCCESS;
}
