/*
 * The pool routines of Windows 10 version 2004 and later, for drivers built with headers that lack them: flags, extended
 * parameters, secure pool, and the wrappers that the kit defines inline. Include it after wdm.h, ntddk.h or ntifs.h.
 *
 * Defined before it, these choose what the wrappers and the name NonPagedPool mean:
 *
 *   POOL_NX_OPTIN                  NonPagedPool is a variable: executable at first, no-execute from the call of
 *                                  ExInitializeDriverRuntime(DrvRtPoolNxOptIn) on, where the system has such pool
 *   POOL_NX_OPTIN_AUTO             NonPagedPool is NonPagedPoolNx, for drivers that need Windows 8
 *   POOL_NX_OPTOUT                 in one file: neither of them
 *   POOL_ZERO_DOWN_LEVEL_SUPPORT   the Zero wrappers clear blocks themselves where the system does not; call
 *                                  ExInitializeDriverRuntime first, with any argument
 *
 * ExInitializeDriverRuntime comes before any allocation of NonPagedPool and before a lookaside list of it is initialized.
 *
 * The declarations follow the documented layouts and values (spec rows POOL-028, POOL-055 to POOL-077, POOL-126 to
 * POOL-140, POOL-162, POOL-184 to POOL-194).
 */
#ifndef NTPOOL_POOL_H
#define NTPOOL_POOL_H

#ifndef POOL_FLAG_NON_PAGED
typedef ULONG64 POOL_FLAGS;

#define POOL_FLAG_USE_QUOTA 0x0000000000000001ULL
#define POOL_FLAG_UNINITIALIZED 0x0000000000000002ULL
#define POOL_FLAG_SESSION 0x0000000000000004ULL
#define POOL_FLAG_CACHE_ALIGNED 0x0000000000000008ULL
#define POOL_FLAG_RESERVED1 0x0000000000000010ULL
#define POOL_FLAG_RAISE_ON_FAILURE 0x0000000000000020ULL
#define POOL_FLAG_NON_PAGED 0x0000000000000040ULL
#define POOL_FLAG_NON_PAGED_EXECUTE 0x0000000000000080ULL
#define POOL_FLAG_PAGED 0x0000000000000100ULL
#define POOL_FLAG_RESERVED2 0x0000000000000200ULL
#define POOL_FLAG_RESERVED3 0x0000000000000400ULL
#define POOL_FLAG_SPECIAL_POOL 0x0000000100000000ULL

#define POOL_FLAG_REQUIRED_START 0x0000000000000001ULL
#define POOL_FLAG_REQUIRED_END 0x0000000080000000ULL
#define POOL_FLAG_OPTIONAL_START 0x0000000100000000ULL
#define POOL_FLAG_OPTIONAL_END 0x8000000000000000ULL

#define POOL_NX_ALLOCATION 512
#define POOL_ZERO_ALLOCATION 1024

typedef enum _POOL_EXTENDED_PARAMETER_TYPE {
    PoolExtendedParameterInvalidType = 0,
    PoolExtendedParameterPriority = 1,
    PoolExtendedParameterSecurePool = 2,
    PoolExtendedParameterNumaNode = 3,
    PoolExtendedParameterMax = 4
} POOL_EXTENDED_PARAMETER_TYPE;

#define SECURE_POOL_FLAGS_NONE 0x0
#define SECURE_POOL_FLAGS_FREEABLE 0x1
#define SECURE_POOL_FLAGS_MODIFIABLE 0x2

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

#define POOL_CREATE_FLG_SECURE_POOL 0x1
#define POOL_CREATE_FLG_USE_GLOBAL_POOL 0x2
#define POOL_CREATE_PARAMS_VERSION 1

typedef struct _POOL_CREATE_EXTENDED_PARAMS {
    ULONG Version;
    ULONG ParameterCount;
    PVOID Parameters;
} POOL_CREATE_EXTENDED_PARAMS;

NTKERNELAPI PVOID NTAPI ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);
NTKERNELAPI PVOID NTAPI ExAllocatePool3(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag,
                                        PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
                                        ULONG ExtendedParametersCount);
NTKERNELAPI VOID NTAPI ExFreePool2(PVOID Block, ULONG Tag, PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
                                   ULONG ExtendedParametersCount);
NTKERNELAPI NTSTATUS NTAPI ExCreatePool(ULONG Flags, ULONG_PTR Tag, POOL_CREATE_EXTENDED_PARAMS *Params,
                                        HANDLE *PoolHandle);
NTKERNELAPI VOID NTAPI ExDestroyPool(HANDLE PoolHandle);
NTKERNELAPI NTSTATUS NTAPI ExSecurePoolUpdate(HANDLE SecurePoolHandle, ULONG Tag, PVOID Allocation, ULONG_PTR Cookie,
                                              SIZE_T Offset, SIZE_T Size, PVOID Buffer);
NTKERNELAPI ULONG NTAPI ExSecurePoolValidate(HANDLE SecurePoolHandle, ULONG Tag, PVOID Allocation, ULONG_PTR Cookie);
#endif

/* What the name of the oldest type means. */
#if defined(POOL_NX_OPTOUT)
/* What it always meant. */
#elif defined(POOL_NX_OPTIN_AUTO)
#define NonPagedPool NonPagedPoolNx
#define NonPagedPoolCacheAligned NonPagedPoolNxCacheAligned
#elif defined(POOL_NX_OPTIN)
/* One for the whole driver, whichever of its files define it. */
__declspec(selectany) POOL_TYPE ExDefaultNonPagedPoolType = NonPagedPoolExecute;
#define NonPagedPool ExDefaultNonPagedPoolType
#endif

#if defined(POOL_ZERO_DOWN_LEVEL_SUPPORT)
__declspec(selectany) BOOLEAN ExPoolZeroingNativelySupported = FALSE;
#endif

#define DrvRtPoolNxOptIn 0x00000001

/* Chooses, once, what depends on the system's version. */
static inline VOID ExInitializeDriverRuntime(ULONG RuntimeFlags)
{
#if (defined(POOL_NX_OPTIN) && !defined(POOL_NX_OPTIN_AUTO) && !defined(POOL_NX_OPTOUT)) ||                           \
    defined(POOL_ZERO_DOWN_LEVEL_SUPPORT)
    RTL_OSVERSIONINFOW Version;

    Version.dwOSVersionInfoSize = sizeof(Version);
    RtlGetVersion(&Version);
#endif
#if defined(POOL_NX_OPTIN) && !defined(POOL_NX_OPTIN_AUTO) && !defined(POOL_NX_OPTOUT)
    if ((RuntimeFlags & DrvRtPoolNxOptIn) != 0) {
        /* Windows 8 is 6.2. */
        BOOLEAN HasNx =
            Version.dwMajorVersion > 6 || (Version.dwMajorVersion == 6 && Version.dwMinorVersion >= 2);

        ExDefaultNonPagedPoolType = HasNx ? NonPagedPoolNx : NonPagedPoolExecute;
    }
#endif
#if defined(POOL_ZERO_DOWN_LEVEL_SUPPORT)
    /* Version 2004 is build 19041. */
    ExPoolZeroingNativelySupported = Version.dwBuildNumber >= 19041;
#endif
    (void)RuntimeFlags;
}

/* Clears a block that was asked for with zeroes, where the system did not. */
static inline PVOID ExZeroDownLevel(PVOID Block, SIZE_T NumberOfBytes)
{
#if defined(POOL_ZERO_DOWN_LEVEL_SUPPORT)
    if (Block != NULL && !ExPoolZeroingNativelySupported) {
        RtlZeroMemory(Block, NumberOfBytes);
    }
#endif
    (void)NumberOfBytes;
    return Block;
}

static inline PVOID ExAllocatePoolZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExZeroDownLevel(ExAllocatePoolWithTag((POOL_TYPE)(PoolType | POOL_ZERO_ALLOCATION), NumberOfBytes, Tag),
                           NumberOfBytes);
}

static inline PVOID ExAllocatePoolQuotaZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExZeroDownLevel(
        ExAllocatePoolWithQuotaTag((POOL_TYPE)(PoolType | POOL_ZERO_ALLOCATION), NumberOfBytes, Tag), NumberOfBytes);
}

static inline PVOID ExAllocatePoolPriorityZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                               EX_POOL_PRIORITY Priority)
{
    return ExZeroDownLevel(ExAllocatePoolWithTagPriority((POOL_TYPE)(PoolType | POOL_ZERO_ALLOCATION), NumberOfBytes,
                                                         Tag, Priority),
                           NumberOfBytes);
}

static inline PVOID ExAllocatePoolUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}

static inline PVOID ExAllocatePoolQuotaUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExAllocatePoolWithQuotaTag(PoolType, NumberOfBytes, Tag);
}

static inline PVOID ExAllocatePoolPriorityUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                                        EX_POOL_PRIORITY Priority)
{
    return ExAllocatePoolWithTagPriority(PoolType, NumberOfBytes, Tag, Priority);
}

#endif
