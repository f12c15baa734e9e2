/* Executive callbacks: who is called, in which order, and until when. */
#include "join.h"
#include "rows.h"

static PCALLBACK_OBJECT Object;
static volatile BOOLEAN Running;
static volatile BOOLEAN Returned;

static VOID NTAPI Notified(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    DbgPrint(" %u(%u,%u)", (ULONG)(ULONG_PTR)Context, (ULONG)(ULONG_PTR)Argument1, (ULONG)(ULONG_PTR)Argument2);
}

static VOID NTAPI Slow(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNUSED(Context);
    UNUSED(Argument1);
    UNUSED(Argument2);
    Running = TRUE;
    Sleep(MILLISECONDS(10));
    Returned = TRUE;
}

static VOID NTAPI Notify(PVOID Context)
{
    ExNotifyCallback(Context, NULL, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS Create(PCALLBACK_OBJECT *Callback, PCWSTR Text, BOOLEAN Create, BOOLEAN AllowMultiple)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;

    RtlInitUnicodeString(&Name, Text);
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return ExCreateCallback(Callback, &Attributes, Create, AllowMultiple);
}

static VOID CheckOrder(VOID)
{
    PCALLBACK_OBJECT Again;
    NTSTATUS Status;
    PVOID First;
    PVOID Second;

    DbgPrint("missing: status=%x\n", Create(&Object, L"\\Callback\\Rows", FALSE, TRUE));
    DbgPrint("created: status=%x\n", Create(&Object, L"\\Callback\\Rows", TRUE, TRUE));
    Status = Create(&Again, L"\\Callback\\ROWS", FALSE, TRUE);
    DbgPrint("opened: status=%x same=%u\n", Status, Again == Object);
    First = ExRegisterCallback(Object, Notified, (PVOID)1);
    Second = ExRegisterCallback(Object, Notified, (PVOID)2);
    DbgPrint("notified:");
    ExNotifyCallback(Object, (PVOID)3, (PVOID)4);
    DbgPrint("\n");
    ExUnregisterCallback(First);
    DbgPrint("notified-second:");
    ExNotifyCallback(Object, (PVOID)5, (PVOID)6);
    DbgPrint("\n");
    ExUnregisterCallback(Second);
    ObDereferenceObject(Again);
}

static VOID CheckSingle(VOID)
{
    PCALLBACK_OBJECT Single;
    PVOID First;
    PVOID Second;

    Create(&Single, L"\\Callback\\Single", TRUE, FALSE);
    First = ExRegisterCallback(Single, Notified, NULL);
    Second = ExRegisterCallback(Single, Notified, NULL);
    DbgPrint("single: first=%u second=%u\n", First != NULL, Second != NULL);
    ExUnregisterCallback(First);
    ObDereferenceObject(Single);
    DbgPrint("of-the-system: status=%x\n", Create(&Single, L"\\Callback\\PowerState", FALSE, TRUE));
    ObDereferenceObject(Single);
}

static VOID CheckWait(VOID)
{
    PVOID Registration = ExRegisterCallback(Object, Slow, NULL);
    PVOID Thread = StartThread(Notify, Object);
    BOOLEAN Before;

    while (!Running) {
        Sleep(MILLISECONDS(1));
    }
    Before = Returned;
    ExUnregisterCallback(Registration);
    DbgPrint("unregistered: before=%u returned=%u\n", Before, Returned);
    JoinThread(Thread);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ObDereferenceObject(Object);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    CheckOrder();
    CheckSingle();
    CheckWait();
    return STATUS_SUCCESS;
}
