/*
 * The driver's configuration: a few numbers, written as text, and the name of the driver's key.
 */
#include "sample.h"

/* The settings as the setup file ships them; an administrator may write them as decimal or with a prefix. */
static const UNICODE_STRING RecordCountText = RTL_CONSTANT_STRING(L"0x3");
static const UNICODE_STRING FlushIntervalText = RTL_CONSTANT_STRING(L"never");

/*
 * Reads a number from text. Zero is not a number that a setting may have, and it is also what text
 * that is no number reads as.
 */
static NTSTATUS NOINLINE ReadNumber(PCUNICODE_STRING Text, PULONG Number)
{
    UNICODE_STRING Copy;
    NTSTATUS Status;
    ULONG Value = 0;

    Copy.Length = 0;
    Copy.MaximumLength = Text->Length;
    Copy.Buffer = ExAllocatePoolWithTag(PagedPool, Text->Length, TEXT_TAG); /* MARK: TEXT */
    if (Copy.Buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlCopyUnicodeString(&Copy, Text);
    Status = RtlUnicodeStringToInteger(&Copy, 0, &Value);
    if (!NT_SUCCESS(Status) || Value == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    ExFreePoolWithTag(Copy.Buffer, TEXT_TAG);
    *Number = Value;
    return STATUS_SUCCESS;
}

/* Reads the configuration. A setting that can't be read keeps its default. */
NTSTATUS ConfigOpen(PUNICODE_STRING RegistryPath, PCONFIG *Result)
{
    PCONFIG Config;

    Config = ExAllocatePoolWithTag(PagedPool, sizeof(CONFIG), CONFIG_TAG); /* MARK: CONFIG */
    if (Config == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Config->RecordCount = 8;
    Config->FlushInterval = 0;
    Config->ServiceKey.Length = 0;
    Config->ServiceKey.MaximumLength = RegistryPath->Length;
    Config->ServiceKey.Buffer = ExAllocatePoolWithTag(PagedPool, RegistryPath->Length, TEXT_TAG);
    if (Config->ServiceKey.Buffer == NULL) {
        ExFreePoolWithTag(Config, CONFIG_TAG);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlCopyUnicodeString(&Config->ServiceKey, RegistryPath);
    if (!NT_SUCCESS(ReadNumber(&RecordCountText, &Config->RecordCount))) {
        DbgPrint("sample: the record count is no number; using %u\n", Config->RecordCount);
    }
    if (!NT_SUCCESS(ReadNumber(&FlushIntervalText, &Config->FlushInterval))) {
        DbgPrint("sample: the flush interval is no number; using %u\n", Config->FlushInterval);
    }
    *Result = Config;
    return STATUS_SUCCESS;
}

/* Gives back a configuration and what belongs to it. */
VOID ConfigClose(PCONFIG Config)
{
    ExFreePoolWithTag(Config->ServiceKey.Buffer, TEXT_TAG);
    ExFreePoolWithTag(Config, CONFIG_TAG); /* MARK: CLOSED */
}
