/* The IRQL and the spin locks that raise it. */
#include "clean.h"

static VOID CheckRaised(VOID)
{
    PVOID Block;
    KIRQL Old;
    KIRQL Older;

    Check(KeGetCurrentIrql() == PASSIVE_LEVEL && ReadCr8() == PASSIVE_LEVEL, "the level at first");
    KeRaiseIrql(APC_LEVEL, &Older);
    Check(Older == PASSIVE_LEVEL && KeGetCurrentIrql() == APC_LEVEL, "KeRaiseIrql");
    Old = KeRaiseIrqlToDpcLevel();
    Check(Old == APC_LEVEL && ReadCr8() == DISPATCH_LEVEL, "KeRaiseIrqlToDpcLevel");

    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, TAG);
    Check(Block != NULL, "nonpaged pool at DISPATCH_LEVEL");
    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
    }
    DbgPrint("clean: at level %u\n", KeGetCurrentIrql());

    KeLowerIrql(Old);
    Check(KeGetCurrentIrql() == APC_LEVEL, "KeLowerIrql");
    KeLowerIrql(Older);
    Check(ReadCr8() == PASSIVE_LEVEL, "the level at last");
}

static VOID CheckNested(VOID)
{
    KSPIN_LOCK Outer;
    KSPIN_LOCK Inner;
    KIRQL Old;

    KeInitializeSpinLock(&Outer);
    KeInitializeSpinLock(&Inner);
    KeAcquireSpinLock(&Outer, &Old);
    Check(Old == PASSIVE_LEVEL && KeGetCurrentIrql() == DISPATCH_LEVEL, "KeAcquireSpinLock");
    KeAcquireSpinLockAtDpcLevel(&Inner);
    KeReleaseSpinLockFromDpcLevel(&Inner);
    Check(KeGetCurrentIrql() == DISPATCH_LEVEL, "KeReleaseSpinLockFromDpcLevel");
    KeReleaseSpinLock(&Outer, Old);
    Check(KeGetCurrentIrql() == PASSIVE_LEVEL, "KeReleaseSpinLock");
}

VOID CheckLevels(VOID)
{
    CheckRaised();
    CheckNested();
}
