/*
 * What every driver here includes: the DDK headers of mingw-w64, what they lack, and a few words of our own.
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
#define ExAllocateFromLookasideListEx InlineAllocateFromLookasideListEx
#define ExFreeToLookasideListEx InlineFreeToLookasideListEx
#define ExAllocateFromNPagedLookasideList InlineAllocateFromNPagedLookasideList
#define ExFreeToNPagedLookasideList InlineFreeToNPagedLookasideList
#define ExAllocateFromPagedLookasideList InlineAllocateFromPagedLookasideList
#define ExFreeToPagedLookasideList InlineFreeToPagedLookasideList
#define KeGetCurrentThread InlineGetCurrentThread
#define PsGetCurrentThread InlineGetCurrentPsThread
#define KeGetCurrentProcessorNumber InlineGetCurrentProcessorNumber
/* Declared in a way that GCC takes one step too many for; threads.h has them as they are. */
#define ExEventObjectType HeaderEventObjectType
#define ExSemaphoreObjectType HeaderSemaphoreObjectType
#define PsThreadType HeaderThreadType
#include <ntddk.h>
#undef KeGetCurrentIrql
#undef KeLowerIrql
#undef KfRaiseIrql
#undef KeRaiseIrqlToDpcLevel
#undef KeInitializeSpinLock
#undef ExAllocateFromLookasideListEx
#undef ExFreeToLookasideListEx
#undef ExAllocateFromNPagedLookasideList
#undef ExFreeToNPagedLookasideList
#undef ExAllocateFromPagedLookasideList
#undef ExFreeToPagedLookasideList
#undef KeGetCurrentThread
#undef PsGetCurrentThread
#undef KeGetCurrentProcessorNumber
#undef ExEventObjectType
#undef ExSemaphoreObjectType
#undef PsThreadType

/* The address that is never valid; the headers do not have it. */
extern __declspec(dllimport) PVOID MmBadPointer;

NTKERNELAPI KIRQL NTAPI KeGetCurrentIrql(VOID);
NTKERNELAPI VOID NTAPI KeLowerIrql(KIRQL NewIrql);
NTKERNELAPI KIRQL NTAPI KfRaiseIrql(KIRQL NewIrql);
NTKERNELAPI KIRQL NTAPI KeRaiseIrqlToDpcLevel(VOID);
NTKERNELAPI VOID NTAPI KeInitializeSpinLock(PKSPIN_LOCK SpinLock);

/* Newer systems export these; the headers only have the inline forms, which older drivers were built with. */
NTKERNELAPI PVOID NTAPI ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX Lookaside);
NTKERNELAPI VOID NTAPI ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PVOID Entry);
NTKERNELAPI PVOID NTAPI ExAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside);
NTKERNELAPI VOID NTAPI ExFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry);
NTKERNELAPI PVOID NTAPI ExAllocateFromPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside);
NTKERNELAPI VOID NTAPI ExFreeToPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry);
NTKERNELAPI VOID ExAdjustLookasideDepth(VOID);
NTKERNELAPI PSLIST_ENTRY FirstEntrySList(const SLIST_HEADER *ListHead);
NTKERNELAPI PSLIST_ENTRY FASTCALL InterlockedPushListSList(PSLIST_HEADER ListHead, PSLIST_ENTRY List,
                                                           PSLIST_ENTRY ListEnd, ULONG Count);

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

/* Pool routines that are declared for file systems only, and some that are not declared at all. */
NTKERNELAPI VOID NTAPI PsChargePoolQuota(PEPROCESS Process, POOL_TYPE PoolType, ULONG_PTR Amount);
NTKERNELAPI VOID NTAPI PsReturnPoolQuota(PEPROCESS Process, POOL_TYPE PoolType, ULONG_PTR Amount);
NTKERNELAPI NTSTATUS NTAPI PsChargeProcessPoolQuota(PEPROCESS Process, POOL_TYPE PoolType, ULONG_PTR Amount);
NTKERNELAPI NTSTATUS NTAPI PsChargeProcessNonPagedPoolQuota(PEPROCESS Process, SIZE_T Amount);
NTKERNELAPI NTSTATUS NTAPI PsChargeProcessPagedPoolQuota(PEPROCESS Process, SIZE_T Amount);
NTKERNELAPI VOID NTAPI PsReturnProcessNonPagedPoolQuota(PEPROCESS Process, SIZE_T Amount);
NTKERNELAPI VOID NTAPI PsReturnProcessPagedPoolQuota(PEPROCESS Process, SIZE_T Amount);
NTKERNELAPI PVOID NTAPI FsRtlAllocatePoolWithTag(POOL_TYPE PoolType, ULONG NumberOfBytes, ULONG Tag);
NTKERNELAPI PVOID NTAPI FsRtlAllocatePoolWithQuotaTag(POOL_TYPE PoolType, ULONG NumberOfBytes, ULONG Tag);
NTKERNELAPI SIZE_T NTAPI ExQueryPoolBlockSize(PVOID PoolBlock, PBOOLEAN QuotaCharged);

#include "pool.h"
#include "threads.h"

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
