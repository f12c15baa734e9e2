/* What the system says about itself: its version, its time, its processes, its routines and its memory. */
#include "clean.h"

/* Fields of the page that the kernel shares with user mode, by their documented offsets. */
#define SHARED_PAGE 0xFFFFF78000000000ULL
#define SHARED(Type, Offset) (*(volatile Type *)(SHARED_PAGE + (Offset)))
#define SHARED_INTERRUPT_TIME SHARED(ULONG64, 0x8)
#define SHARED_MAJOR_VERSION SHARED(ULONG, 0x26C)
#define SHARED_MINOR_VERSION SHARED(ULONG, 0x270)

typedef PVOID(NTAPI *ALLOCATE)(POOL_FLAGS, SIZE_T, ULONG);

static VOID CheckVersion(VOID)
{
    RTL_OSVERSIONINFOW Version;

    RtlZeroMemory(&Version, sizeof(Version));
    Version.dwOSVersionInfoSize = sizeof(Version);
    Check(RtlGetVersion(&Version) == STATUS_SUCCESS && Version.dwMajorVersion >= 6, "RtlGetVersion");
    Check(SHARED_MAJOR_VERSION == Version.dwMajorVersion, "the shared page's major version");
    Check(SHARED_MINOR_VERSION == Version.dwMinorVersion, "the shared page's minor version");
}

static VOID CheckTime(VOID)
{
    ULONG64 Before = SHARED_INTERRUPT_TIME;
    LARGE_INTEGER Interval;
    NTSTATUS Status;

    /* Ten milliseconds from now, in units of 100 ns. */
    Interval.QuadPart = -100000;
    Status = KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    Check(Status == STATUS_SUCCESS, "KeDelayExecutionThread");
    Check(SHARED_INTERRUPT_TIME - Before >= 100000, "the interrupt time after a delay");
}

static VOID CheckRoutines(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"ExAllocatePool2");
    UNICODE_STRING Unknown = RTL_CONSTANT_STRING(L"ExAllocatePoolThatNobodyWrote");
    ALLOCATE Allocate = (ALLOCATE)(ULONG_PTR)MmGetSystemRoutineAddress(&Name);
    PVOID Block;

    Check(MmGetSystemRoutineAddress(&Unknown) == NULL, "MmGetSystemRoutineAddress of an unknown name");
    Check(Allocate != NULL, "MmGetSystemRoutineAddress");
    if (Allocate != NULL) {
        Block = Allocate(POOL_FLAG_PAGED, 32, TAG);
        Check(Block != NULL, "a routine found by its name");
        if (Block != NULL) {
            ExFreePoolWithTag(Block, TAG);
        }
    }
}

static VOID CheckAddresses(VOID)
{
    PUCHAR Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 2 * PAGE_SIZE, TAG);
    PHYSICAL_ADDRESS First;
    PHYSICAL_ADDRESS Later;

    Check(Block != NULL, "two pages of nonpaged pool");
    if (Block != NULL) {
        First = MmGetPhysicalAddress(Block);
        Later = MmGetPhysicalAddress(Block + 100);
        Check(First.QuadPart != 0 && First.QuadPart % PAGE_SIZE == 0, "MmGetPhysicalAddress");
        Check(Later.QuadPart == First.QuadPart + 100, "MmGetPhysicalAddress within a page");
        ExFreePoolWithTag(Block, TAG);
    }
    Check(PsGetCurrentProcess() != NULL && PsGetCurrentProcess() == IoGetCurrentProcess(), "the current process");
}

VOID CheckSystem(VOID)
{
    CheckVersion();
    CheckTime();
    CheckRoutines();
    CheckAddresses();
}
