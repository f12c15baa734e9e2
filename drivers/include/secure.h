/*
 * What the drivers about secure pool share: a secure pool with one block, `Policy`, whose parameters are in `Parameter`.
 */
#ifndef NTPOOL_SECURE_H
#define NTPOOL_SECURE_H

#include "kernel.h"

#define TAG 'yloP' /* Poly */
#define COOKIE 0x1234

static HANDLE Pool;
static volatile ULONG *Policy;
static ULONG First = 7;
static POOL_EXTENDED_PARAMS_SECURE_POOL Secure;
static POOL_EXTENDED_PARAMETER Parameter;

/* Makes the pool and its block, which can be freed and changed. */
static inline NTSTATUS CreatePolicy(VOID)
{
    NTSTATUS Status;

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

#endif
