/* Takes its callback routine back before it is unloaded. */
#include "kernel.h"

static PCALLBACK_OBJECT Object;
static PVOID Registration;

static VOID NTAPI Notified(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNUSED(Context);
    UNUSED(Argument1);
    UNUSED(Argument2);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExNotifyCallback(Object, NULL, NULL);
    ExUnregisterCallback(Registration);
    ObDereferenceObject(Object);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    OBJECT_ATTRIBUTES Attributes;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    InitializeObjectAttributes(&Attributes, NULL, OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (!NT_SUCCESS(ExCreateCallback(&Object, &Attributes, TRUE, TRUE))) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Registration = ExRegisterCallback(Object, Notified, NULL);
    return STATUS_SUCCESS;
}
