/* Two flows of control turn in a loop, each until the other one sets a flag, which both do only afterwards. */
#include "join.h"

static volatile LONG Question;
static volatile LONG Answer;

static VOID NOINLINE Turn(volatile LONG *Until)
{
    while (*Until == 0) { __asm__ volatile("pause"); } /* MARK: CRIME */
}

static VOID NTAPI Helper(PVOID Context)
{
    UNUSED(Context);
    Turn(&Question);
    Answer = 1;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Thread;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Thread = StartThread(Helper, NULL);
    if (Thread == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Turn(&Answer);
    Question = 1;
    JoinThread(Thread);
    return STATUS_SUCCESS;
}
