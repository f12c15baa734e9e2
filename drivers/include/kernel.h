/*
 * What every driver here includes: the DDK headers of mingw-w64, what they lack, and a few words of our own.
 *
 * The pool declarations follow the documented layouts and values (spec rows POOL-028, POOL-055 to POOL-073,
 * POOL-162, POOL-184 to POOL-194).
 */
#ifndef NTPOOL_DRIVERS_KERNEL_H
#define NTPOOL_DRIVERS_KERNEL_H

/*
 * The guard of mingw's intrin.h, so that it is passed over: it brings in every vector header of the compiler, which
 * takes most of the time to compile a small driver, and with clang it defines functions in every object. The few
 * instructions that drivers here need are below.
 */
#define __INTRIN_H_

/*
 * The headers define these as inline functions on cr8 or on the lock itself. The kernel exports them too, and the
 * drivers here mean the exports; the inline forms get the names on the right out of the way.
 */
#define KeGetCurrentIrql InlineGetCurrentIrql
#define KeLowerIrql InlineLowerIrql
#define KfRaiseIrql InlineRaiseIrql
#define KeRaiseIrqlToDpcLevel InlineRaiseIrqlToDpcLevel
#define KeInitializeSpinLock InlineInitializeSpinLock
#include <ntddk.h>
#undef KeGetCurrentIrql
#undef KeLowerIrql
#undef KfRaiseIrql
#undef KeRaiseIrqlToDpcLevel
#undef KeInitializeSpinLock

NTKERNELAPI KIRQL NTAPI KeGetCurrentIrql(VOID);
NTKERNELAPI VOID NTAPI KeLowerIrql(KIRQL NewIrql);
NTKERNELAPI KIRQL NTAPI KfRaiseIrql(KIRQL NewIrql);
NTKERNELAPI KIRQL NTAPI KeRaiseIrqlToDpcLevel(VOID);
NTKERNELAPI VOID NTAPI KeInitializeSpinLock(PKSPIN_LOCK SpinLock);

/* The headers turn these into compiler built-ins or into each other; here they are the kernel's exports. */
#undef RtlCopyMemory
#undef RtlMoveMemory
#undef RtlFillMemory
#undef RtlZeroMemory
#undef PsGetCurrentProcess
#undef IoCompleteRequest
NTSYSAPI VOID NTAPI RtlCopyMemory(VOID *Destination, const VOID *Source, SIZE_T Length);
NTSYSAPI VOID NTAPI RtlMoveMemory(VOID *Destination, const VOID *Source, SIZE_T Length);
NTSYSAPI VOID NTAPI RtlFillMemory(VOID *Destination, SIZE_T Length, UCHAR Fill);
NTSYSAPI VOID NTAPI RtlZeroMemory(VOID *Destination, SIZE_T Length);
NTKERNELAPI PEPROCESS NTAPI PsGetCurrentProcess(VOID);
NTKERNELAPI VOID NTAPI IoCompleteRequest(PIRP Irp, CCHAR PriorityBoost);

/* The pool routines of Windows 10 version 2004 and later. */
#ifndef POOL_FLAG_NON_PAGED
typedef ULONG64 POOL_FLAGS;

#define POOL_FLAG_USE_QUOTA 0x0000000000000001ULL
#define POOL_FLAG_UNINITIALIZED 0x0000000000000002ULL
#define POOL_FLAG_CACHE_ALIGNED 0x0000000000000008ULL
#define POOL_FLAG_RAISE_ON_FAILURE 0x0000000000000020ULL
#define POOL_FLAG_NON_PAGED 0x0000000000000040ULL
#define POOL_FLAG_NON_PAGED_EXECUTE 0x0000000000000080ULL
#define POOL_FLAG_PAGED 0x0000000000000100ULL
#define POOL_FLAG_SPECIAL_POOL 0x0000000100000000ULL

#define POOL_ZERO_ALLOCATION 1024

typedef enum _POOL_EXTENDED_PARAMETER_TYPE {
    PoolExtendedParameterInvalidType = 0,
    PoolExtendedParameterPriority = 1,
    PoolExtendedParameterSecurePool = 2,
    PoolExtendedParameterNumaNode = 3,
    PoolExtendedParameterMax = 4
} POOL_EXTENDED_PARAMETER_TYPE;

typedef struct _POOL_EXTENDED_PARAMS_SECURE_POOL {
    HANDLE SecurePoolHandle;
    PVOID Buffer;
    ULONG_PTR Cookie;
    ULONG SecurePoolFlags;
} POOL_EXTENDED_PARAMS_SECURE_POOL;

typedef struct _POOL_EXTENDED_PARAMETER {
    struct {
        ULONG64 Type : 8;
        ULONG64 Optional : 1;
        ULONG64 Reserved : 55;
    };
    union {
        ULONG64 Reserved2;
        PVOID Reserved3;
        EX_POOL_PRIORITY Priority;
        POOL_EXTENDED_PARAMS_SECURE_POOL *SecurePoolParams;
        ULONG PreferredNode;
    };
} POOL_EXTENDED_PARAMETER, *PPOOL_EXTENDED_PARAMETER;
typedef const POOL_EXTENDED_PARAMETER *PCPOOL_EXTENDED_PARAMETER;

_Static_assert(sizeof(POOL_EXTENDED_PARAMETER) == 16, "POOL-058");

NTKERNELAPI PVOID NTAPI ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);
NTKERNELAPI PVOID NTAPI ExAllocatePool3(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag,
                                        PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
                                        ULONG ExtendedParametersCount);
NTKERNELAPI VOID NTAPI ExFreePool2(PVOID Block, ULONG Tag, PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
                                   ULONG ExtendedParametersCount);
#endif

/* The task priority register, which holds the IRQL. */
static inline KIRQL ReadCr8(VOID)
{
    ULONG64 Value;

    __asm__ volatile("movq %%cr8, %0" : "=r"(Value));
    return (KIRQL)Value;
}

/* A parameter that the routine's type demands and its body does not need. */
#define UNUSED(Parameter) ((void)(Parameter))

/* Keeps a function out of its callers, under its own name and with its own frame. */
#if defined(__clang__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noipa))
#endif

/* Puts a function into the section that is discarded when DriverEntry has returned. */
#define INIT_CODE __attribute__((section("INIT")))

/*
 * Stands behind a call on a line that a report must name: the call's return address then belongs to that line, and
 * the call can't become a jump.
 */
#define HERE() __asm__ volatile("nop" ::: "memory")

/* Hides a value's origin from the optimizer, which would otherwise replace an obvious crime by a trap. */
#define HIDE(Value) __asm__ volatile("" : "+r"(Value))

/* Makes the optimizer believe that all of an array is used. */
#define USE_ALL(Array) __asm__ volatile("" : : "r"(Array) : "memory")

#endif
