/* Exceptions and ends of threads in calls that asked for more stack, and a filter that goes on where no code can be. */
#include "rows.h"
#include "join.h"
#include "seh.h"

static volatile SIZE_T Size;
static volatile LONG Handled;
static volatile LONG *volatile Nowhere;

static NOINLINE VOID Raise(VOID)
{
    ExRaiseStatus(STATUS_UNSUCCESSFUL);
}

static VOID NTAPI RaiseInside(PVOID Parameter)
{
    UNUSED(Parameter);
    Raise();
}

static SCOPED VOID NTAPI RaiseAndHandle(PVOID Parameter)
{
    UNUSED(Parameter);
    TRY_ALWAYS(Inside, Raise(), Handled++);
}

static VOID NTAPI EndThread(PVOID Parameter)
{
    UNUSED(Parameter);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI EndInCallout(PVOID Context)
{
    UNUSED(Context);
    KeExpandKernelStackAndCallout(EndThread, NULL, Size); HERE();
}

static SCOPED NOINLINE VOID CallOut(PEXPAND_STACK_CALLOUT Routine)
{
    TRY_ALWAYS(Outside, KeExpandKernelStackAndCallout(Routine, NULL, Size), DbgPrint("outside: handled\n"));
}

FILTER(GoAstray)
{
    UNUSED(Frame);
    Pointers->ContextRecord->Rip = 0xDEAD000000000000ULL;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static SCOPED NOINLINE VOID ReadNull(VOID)
{
    TRY_EXCEPT(Astray, *Nowhere, GoAstray, DbgPrint("astray: handled\n"));
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    Size = 0x200;
    if (IsNamed(RegistryPath, L"raises-on-the-same-stack")) {
        CallOut(RaiseInside);
    } else if (IsNamed(RegistryPath, L"raises-on-another-stack")) {
        Size = MAXIMUM_EXPANSION_SIZE;
        CallOut(RaiseInside);
    } else if (IsNamed(RegistryPath, L"ends-on-the-same-stack")) {
        JoinThread(StartThread(EndInCallout, NULL));
    } else if (IsNamed(RegistryPath, L"ends-on-another-stack")) {
        Size = MAXIMUM_EXPANSION_SIZE;
        JoinThread(StartThread(EndInCallout, NULL));
    } else if (IsNamed(RegistryPath, L"goes-astray")) {
        ReadNull();
    } else {
        CallOut(RaiseAndHandle);
        Size = MAXIMUM_EXPANSION_SIZE;
        CallOut(RaiseAndHandle);
        DbgPrint("inside: %d\n", (int)Handled);
    }
    return STATUS_SUCCESS;
}
