/* The file of the wrappers' driver that opts out of no-execute pool. */
#define POOL_NX_OPTIN 1
#define POOL_NX_OPTOUT 1
#include "../rows.h"

PVOID AllocateOptedOut(ULONG Tag);

PVOID AllocateOptedOut(ULONG Tag)
{
    return ExAllocatePoolWithTag(NonPagedPool, 100, Tag);
}
