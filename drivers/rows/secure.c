/* Secure pool. */
#include "rows.h"

#define COOKIE 0x55AA

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static POOL_EXTENDED_PARAMS_SECURE_POOL Secure;
static POOL_EXTENDED_PARAMETER Parameter;

static PUCHAR Ask(POOL_FLAGS Flags, SIZE_T Length, PVOID Contents, ULONG SecureFlags)
{
    Secure.Buffer = Contents;
    Secure.Cookie = COOKIE;
    Secure.SecurePoolFlags = SecureFlags;
    Parameter.Type = PoolExtendedParameterSecurePool;
    Parameter.SecurePoolParams = &Secure;
    return ExAllocatePool3(Flags, Length, TAG, &Parameter, 1);
}

static VOID CheckCreation(VOID)
{
    POOL_CREATE_EXTENDED_PARAMS Params = {POOL_CREATE_PARAMS_VERSION, 0, NULL};
    HANDLE One;
    HANDLE Two;

    DbgPrint("create: plain=%08x global=%08x", ExCreatePool(1, TAG, NULL, &One), ExCreatePool(3, TAG, &Params, &Two));
    DbgPrint(" differ=%u\n", One != Two && One != NULL && Two != NULL);
    ExDestroyPool(Two);
    DbgPrint("refused: none=%08x other=%08x", ExCreatePool(0, TAG, NULL, &Two), ExCreatePool(5, TAG, NULL, &Two));
    Params.Version = 2;
    DbgPrint(" version=%08x\n", ExCreatePool(1, TAG, &Params, &Two));
    Secure.SecurePoolHandle = One;
}

static VOID CheckAllocation(VOID)
{
    static UCHAR Contents[5000];
    SIZE_T Index;
    PUCHAR Filled;
    PUCHAR Zero;
    HANDLE Pool = Secure.SecurePoolHandle;

    for (Index = 0; Index < sizeof(Contents); Index++) {
        Contents[Index] = (UCHAR)(Index * 7);
    }
    Filled = Ask(POOL_FLAG_NON_PAGED, sizeof(Contents), Contents, SECURE_POOL_FLAGS_FREEABLE);
    Zero = Ask(POOL_FLAG_NON_PAGED, 100, NULL, SECURE_POOL_FLAGS_FREEABLE);
    DbgPrint("contents: first=%u zero=%u\n", RtlCompareMemory(Filled, Contents, sizeof(Contents)) == sizeof(Contents),
             IsAll(Zero, 100, 0));
    DbgPrint("requests: paged=%u flags=%u", Ask(POOL_FLAG_PAGED, 100, NULL, 1) != NULL,
             Ask(POOL_FLAG_NON_PAGED, 100, NULL, 4) != NULL);
    Secure.SecurePoolHandle = (HANDLE)0x1234;
    DbgPrint(" handle=%u\n", Ask(POOL_FLAG_NON_PAGED, 100, NULL, 1) != NULL);
    Secure.SecurePoolHandle = Pool;
    ExFreePool2(Zero, TAG, &Parameter, 1);
    ExFreePool2(Filled, TAG, &Parameter, 1);
}

static VOID CheckUpdate(VOID)
{
    HANDLE Pool = Secure.SecurePoolHandle;
    PUCHAR Block = Ask(POOL_FLAG_NON_PAGED, 5000, NULL, SECURE_POOL_FLAGS_FREEABLE | SECURE_POOL_FLAGS_MODIFIABLE);
    PUCHAR Fixed = Ask(POOL_FLAG_NON_PAGED, 100, NULL, SECURE_POOL_FLAGS_FREEABLE);
    UCHAR New[200];

    RtlFillMemory(New, sizeof(New), 0x77);
    DbgPrint("update: %08x", ExSecurePoolUpdate(Pool, TAG, Block, COOKIE, 4000, sizeof(New), New));
    DbgPrint(" written=%u kept=%u\n", IsAll(Block + 4000, sizeof(New), 0x77),
             IsAll(Block, 4000, 0) && IsAll(Block + 4200, 800, 0));
    DbgPrint("bounds: end=%08x past=%08x wrap=%08x\n", ExSecurePoolUpdate(Pool, TAG, Block, COOKIE, 4800, 200, New),
             ExSecurePoolUpdate(Pool, TAG, Block, COOKIE, 4801, 200, New),
             ExSecurePoolUpdate(Pool, TAG, Block, COOKIE, ~(SIZE_T)0, 2, New));
    DbgPrint("update-refused: fixed=%08x cookie=%08x tag=%08x handle=%08x\n",
             ExSecurePoolUpdate(Pool, TAG, Fixed, COOKIE, 0, 1, New),
             ExSecurePoolUpdate(Pool, TAG, Block, COOKIE + 1, 0, 1, New),
             ExSecurePoolUpdate(Pool, 'rehO', Block, COOKIE, 0, 1, New),
             ExSecurePoolUpdate((HANDLE)0x1234, TAG, Block, COOKIE, 0, 1, New));
    DbgPrint("validate: right=%u handle=%u tag=%u address=%u cookie=%u", ExSecurePoolValidate(Pool, TAG, Block, COOKIE),
             ExSecurePoolValidate((HANDLE)0x1234, TAG, Block, COOKIE),
             ExSecurePoolValidate(Pool, 'rehO', Block, COOKIE), ExSecurePoolValidate(Pool, TAG, Block + 16, COOKIE),
             ExSecurePoolValidate(Pool, TAG, Block, COOKIE + 1));
    ExFreePool2(Block, TAG, &Parameter, 1);
    DbgPrint(" freed=%u\n", ExSecurePoolValidate(Pool, TAG, Block, COOKIE));
    ExFreePool2(Fixed, TAG, &Parameter, 1);
}

/* A block's memory is ordinary again when it has been freed. */
static VOID CheckReuse(VOID)
{
    PUCHAR Block;
    ULONG Index;

    for (Index = 0; Index < 4; Index++) {
        Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 2 * PAGE_SIZE, TAG);
        RtlFillMemory(Block, 2 * PAGE_SIZE, 0x11);
        ExFreePoolWithTag(Block, TAG);
    }
    DbgPrint("reuse: done\n");
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PUCHAR Block;
    UCHAR Byte = 1;

    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"observe")) {
        CheckCreation();
        CheckAllocation();
        CheckUpdate();
        CheckReuse();
        ExDestroyPool(Secure.SecurePoolHandle);
        return STATUS_SUCCESS;
    }
    if (!NT_SUCCESS(ExCreatePool(POOL_CREATE_FLG_SECURE_POOL, TAG, NULL, &Secure.SecurePoolHandle))) {
        return STATUS_UNSUCCESSFUL;
    }
    Block = Ask(POOL_FLAG_NON_PAGED, 100, NULL,
                IsNamed(RegistryPath, L"fixed") ? SECURE_POOL_FLAGS_NONE : SECURE_POOL_FLAGS_FREEABLE);
    if (IsNamed(RegistryPath, L"copy")) {
        RtlCopyMemory(Block + 50, &Byte, 1); HERE();
    } else if (IsNamed(RegistryPath, L"cookie")) {
        Secure.Cookie++;
        ExFreePool2(Block, TAG, &Parameter, 1); HERE();
    } else if (IsNamed(RegistryPath, L"untagged")) {
        ExFreePool(Block); HERE();
    } else if (IsNamed(RegistryPath, L"fixed")) {
        ExFreePool2(Block, TAG, &Parameter, 1); HERE();
    }
    DbgPrint("survived: %u\n", IsAll(Block, 100, 0));
    return STATUS_SUCCESS;
}
