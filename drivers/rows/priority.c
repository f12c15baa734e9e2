/* Memory used up at each priority in turn: pages in a chain, each holding the address of the one before. */
#include "rows.h"

static PVOID Chain;

/* Whether the newer routine with a parameter is used rather than the older one with an argument. */
static BOOLEAN Newer;

static PVOID Ask(POOL_TYPE Type, SIZE_T Length, EX_POOL_PRIORITY Priority)
{
    POOL_EXTENDED_PARAMETER Parameter;

    if (!Newer) {
        return ExAllocatePoolWithTagPriority(Type, Length, TAG, Priority);
    }
    RtlZeroMemory(&Parameter, sizeof(Parameter));
    Parameter.Type = PoolExtendedParameterPriority;
    Parameter.Priority = Priority;
    return ExAllocatePool3(Type == PagedPool ? POOL_FLAG_PAGED : POOL_FLAG_NON_PAGED, Length, TAG, &Parameter, 1);
}

static ULONG UseUp(EX_POOL_PRIORITY Priority)
{
    ULONG Count = 0;
    PVOID *Block;

    while ((Block = Ask(NonPagedPoolNx, PAGE_SIZE, Priority)) != NULL) {
        *Block = Chain;
        Chain = Block;
        Count++;
    }
    return Count;
}

/* Which priorities are still served: a bit each, the lowest for the lowest. */
static ULONG Served(VOID)
{
    static const EX_POOL_PRIORITY Priorities[] = {LowPoolPriority, NormalPoolPriority, HighPoolPriority};
    ULONG Bits = 0;
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Priorities); Index++) {
        PVOID Block = Ask(NonPagedPoolNx, PAGE_SIZE, Priorities[Index]);

        if (Block != NULL) {
            Bits |= 1u << Index;
            ExFreePoolWithTag(Block, TAG);
        }
    }
    return Bits;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    while (Chain != NULL) {
        PVOID *Block = Chain;

        Chain = *Block;
        ExFreePoolWithTag(Block, TAG);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const EX_POOL_PRIORITY Special[] = {
        LowPoolPrioritySpecialPoolOverrun,   LowPoolPrioritySpecialPoolUnderrun,   NormalPoolPrioritySpecialPoolOverrun,
        NormalPoolPrioritySpecialPoolUnderrun, HighPoolPrioritySpecialPoolOverrun, HighPoolPrioritySpecialPoolUnderrun,
    };
    ULONG Pages = 0;
    ULONG Index;
    PVOID Blocks[6];

    DriverObject->DriverUnload = DriverUnload;
    Newer = IsNamed(RegistryPath, L"newer");
    if (IsNamed(RegistryPath, L"raise")) {
        UseUp(LowPoolPriority);
        ExAllocatePoolWithTagPriority((POOL_TYPE)(NonPagedPoolNx | POOL_RAISE_IF_ALLOCATION_FAILURE), PAGE_SIZE, TAG,
                                      LowPoolPriority); HERE();
        DbgPrint("survived: yes\n");
        return STATUS_SUCCESS;
    }
    DbgPrint("fresh: served=%u\n", Served());
    /* Ordinary blocks share a page; special pool would give each its own. */
    for (Index = 0; Index < RTL_NUMBER_OF(Special); Index++) {
        Blocks[Index] = Ask(PagedPool, 100, Special[Index]);
        Pages += Index > 0 && ((ULONG_PTR)Blocks[Index] ^ (ULONG_PTR)Blocks[Index - 1]) / PAGE_SIZE != 0;
    }
    DbgPrint("special: values=%u,%u,%u,%u,%u,%u more-pages=%u\n", Special[0], Special[2], Special[4], Special[1],
             Special[3], Special[5], Pages);
    for (Index = 0; Index < RTL_NUMBER_OF(Special); Index++) {
        ExFreePoolWithTag(Blocks[Index], TAG);
    }
    DbgPrint("unlisted: %u\n", Ask(PagedPool, 100, (EX_POOL_PRIORITY)7) != NULL);
    DbgPrint("low: pages=%u", UseUp(LowPoolPriority));
    DbgPrint(" served=%u\n", Served());
    DbgPrint("normal: pages=%u", UseUp(NormalPoolPriority));
    DbgPrint(" served=%u\n", Served());
    DbgPrint("high: pages=%u", UseUp(HighPoolPriority));
    DbgPrint(" served=%u\n", Served());
    return STATUS_SUCCESS;
}
