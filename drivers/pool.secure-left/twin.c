/* Frees a block of secure pool and destroys the pool. */
#include "kernel.h"

#define TAG 'yloP' /* Poly */
#define COOKIE 0x1234

static HANDLE Pool;
static ULONG *Policy;
static ULONG First = 7;
static POOL_EXTENDED_PARAMS_SECURE_POOL Secure;
static POOL_EXTENDED_PARAMETER Parameter;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExFreePool2(Policy, TAG, &Parameter, 1);
    ExDestroyPool(Pool);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Status = ExCreatePool(POOL_CREATE_FLG_SECURE_POOL, TAG, NULL, &Pool);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Secure.SecurePoolHandle = Pool;
    Secure.Buffer = &First;
    Secure.Cookie = COOKIE;
    Secure.SecurePoolFlags = SECURE_POOL_FLAGS_FREEABLE | SECURE_POOL_FLAGS_MODIFIABLE;
    Parameter.Type = PoolExtendedParameterSecurePool;
    Parameter.SecurePoolParams = &Secure;
    Policy = ExAllocatePool3(POOL_FLAG_NON_PAGED, sizeof(*Policy), TAG, &Parameter, 1);
    if (Policy == NULL) {
        ExDestroyPool(Pool);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
