/* What the drivers that attack their host share: a crime to be reported before, and the way into the host. */
#include "kernel.h"

#define TAG 'tsoH' /* Host */

/* The finding that must not be lost. */
static VOID NOINLINE FreeTwice(VOID)
{
    PVOID Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 48, TAG);

    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
        HIDE(Block);
        ExFreePoolWithTag(Block, TAG);
    }
}

/* What fs leads to: the host keeps its thread's variables there. */
static inline volatile ULONG64 *HostThread(VOID)
{
    volatile ULONG64 *Thread;

    __asm__ volatile("movq %%fs:0, %0" : "=r"(Thread));
    return Thread;
}

/* Finds bytes from an address on. */
static inline volatile UCHAR *Find(volatile UCHAR *From, SIZE_T Reach, const UCHAR *Bytes, SIZE_T Length)
{
    for (SIZE_T Distance = 0; Distance < Reach; Distance++) {
        SIZE_T Same = 0;

        while (Same < Length && From[Distance + Same] == Bytes[Same]) {
            Same++;
        }
        if (Same == Length) {
            return From + Distance;
        }
    }
    /* Nobody reaches this: the tests would notice that nothing was attacked. */
    return NULL;
}

/* The code that every import jumps to: mov r10d, imm32; mov r11, imm64; jmp r11. */
static inline volatile UCHAR *HostGate(VOID)
{
    volatile UCHAR *Thunk = (volatile UCHAR *)(ULONG_PTR)DbgPrint;

    HIDE(Thunk);
    /* The linker may have put a jump of its own before: jmp [rip + disp32]. */
    if (Thunk[0] == 0xFF && Thunk[1] == 0x25) {
        Thunk = *(volatile UCHAR **)(Thunk + 6 + *(volatile LONG *)(Thunk + 2));
    }
    return *(volatile UCHAR **)(Thunk + 8);
}

/*
 * The variable in which the host keeps its stack pointer. It lies at a fixed distance from what fs leads to, and the gate
 * begins with the load of the distance into r11: from memory, or as a number where the linker knew it.
 */
static inline volatile ULONG64 *HostStackVariable(VOID)
{
    volatile UCHAR *Gate = HostGate();
    LONG64 Distance = 0;

    if (Gate[0] == 0x4C && Gate[1] == 0x8B && Gate[2] == 0x1D) {
        Distance = *(volatile LONG64 *)(Gate + 7 + *(volatile LONG *)(Gate + 3));
    } else if (Gate[0] == 0x49 && Gate[1] == 0xC7 && Gate[2] == 0xC3) {
        Distance = *(volatile LONG *)(Gate + 3);
    }
    /* Without it nothing is attacked, which the tests notice. */
    return (volatile ULONG64 *)((volatile UCHAR *)HostThread() + Distance);
}
