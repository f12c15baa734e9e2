/* Registry values, queried by a table. */
#include "rows.h"

/* Newer than the headers. */
#ifndef RTL_QUERY_REGISTRY_TYPECHECK
#define RTL_QUERY_REGISTRY_TYPECHECK 0x00000100
#define RTL_QUERY_REGISTRY_TYPECHECK_SHIFT 24
#endif

#define EXPECT(Type) ((ULONG)(Type) << RTL_QUERY_REGISTRY_TYPECHECK_SHIFT)

typedef RTL_QUERY_REGISTRY_TABLE ENTRY;

/* The driver's service key. */
static PCWSTR Service;

/* What the routine is given as its context: what it counts, and what it answers. */
typedef struct _SEEN {
    ULONG Count;
    NTSTATUS Answer;
} SEEN;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* Prints what it is told, under the subject that the entry's context names. */
static NTSTATUS NTAPI Tell(PWSTR Name, ULONG Type, PVOID Data, ULONG Length, PVOID Context, PVOID EntryContext)
{
    SEEN *Seen = Context;
    PCSTR Subject = EntryContext;

    Seen->Count++;
    DbgPrint("%s-%u: name=%ws type=%u length=%u ", Subject, Seen->Count, Name, Type, Length);
    if (Data == NULL) {
        DbgPrint("no data\n");
    } else if (Type == REG_DWORD) {
        DbgPrint("number=%u\n", *(ULONG *)Data);
    } else if (Type == REG_MULTI_SZ) {
        DbgPrint("text=%ws+%ws\n", Data, (PWSTR)Data + 4);
    } else {
        DbgPrint("text=%ws\n", Data);
    }
    return Seen->Answer;
}

/* An entry for the routine. */
static ENTRY Told(PCSTR Subject, ULONG Flags, PCWSTR Name)
{
    ENTRY Entry;

    RtlZeroMemory(&Entry, sizeof(Entry));
    Entry.QueryRoutine = Tell;
    Entry.Flags = Flags;
    Entry.Name = Name;
    Entry.EntryContext = (PVOID)Subject;
    return Entry;
}

/* An entry that stores a value. */
static ENTRY Direct(ULONG Flags, PCWSTR Name, PVOID Target)
{
    ENTRY Entry;

    RtlZeroMemory(&Entry, sizeof(Entry));
    Entry.Flags = Flags | RTL_QUERY_REGISTRY_DIRECT;
    Entry.Name = Name;
    Entry.EntryContext = Target;
    return Entry;
}

/* The same entry with a default. */
static ENTRY Default(ENTRY Entry, ULONG Type, const VOID *Data, ULONG Length)
{
    Entry.DefaultType |= Type;
    Entry.DefaultData = (PVOID)Data;
    Entry.DefaultLength = Length;
    return Entry;
}

/* Queries the driver's own key with up to three entries, and says what came of it. */
static VOID Query(PCSTR Subject, ENTRY First, ENTRY Second, ENTRY Third, NTSTATUS Answer)
{
    SEEN Seen = {0, Answer};
    ENTRY Table[4];
    NTSTATUS Status;

    Table[0] = First;
    Table[1] = Second;
    Table[2] = Third;
    RtlZeroMemory(&Table[3], sizeof(Table[3]));
    Status = RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, Service, Table, &Seen, NULL);
    DbgPrint("%s: status=%x calls=%u\n", Subject, Status, Seen.Count);
}

static VOID QueryOne(PCSTR Subject, ENTRY Entry)
{
    ENTRY End;

    RtlZeroMemory(&End, sizeof(End));
    Query(Subject, Entry, End, End, STATUS_SUCCESS);
}

static VOID CheckEnd(VOID)
{
    ENTRY End;
    ENTRY Nameless;

    RtlZeroMemory(&End, sizeof(End));
    End.EntryContext = &End;
    End.DefaultType = REG_DWORD;
    Query("end", Told("end", 0, L"Type"), End, Told("end", 0, L"Start"), STATUS_SUCCESS);
    Nameless = Told("no-routine", 0, L"Type");
    Nameless.QueryRoutine = NULL;
    Query("no-routine", Nameless, Told("no-routine", 0, L"Start"), End, STATUS_SUCCESS);
}

static VOID QueryRoot(PCSTR Subject, ULONG RelativeTo, PCWSTR Path, PCWSTR Name)
{
    SEEN Seen = {0, STATUS_SUCCESS};
    ENTRY Table[2];
    NTSTATUS Status;

    RtlZeroMemory(Table, sizeof(Table));
    Table[0] = Told(Subject, Name == NULL ? RTL_QUERY_REGISTRY_NOVALUE : 0, Name);
    Status = RtlQueryRegistryValues(RelativeTo, Path, Table, &Seen, NULL);
    DbgPrint("%s: status=%x calls=%u\n", Subject, Status, Seen.Count);
}

static VOID CheckRoots(PUNICODE_STRING RegistryPath)
{
    QueryRoot("absolute", RTL_REGISTRY_ABSOLUTE, RegistryPath->Buffer, L"Start");
    QueryRoot("services", RTL_REGISTRY_SERVICES, Service, L"Start");
    QueryRoot("control", RTL_REGISTRY_CONTROL, NULL, NULL);
    QueryRoot("windows-nt", RTL_REGISTRY_WINDOWS_NT, NULL, NULL);
    QueryRoot("device-map", RTL_REGISTRY_DEVICEMAP, NULL, NULL);
    QueryRoot("user", RTL_REGISTRY_USER, NULL, NULL);
    QueryRoot("not-control", RTL_REGISTRY_CONTROL, Service, NULL);
    QueryRoot("optional", RTL_REGISTRY_CONTROL | RTL_REGISTRY_OPTIONAL, Service, NULL);
    QueryRoot("no-root", RTL_REGISTRY_MAXIMUM, Service, NULL);
    QueryRoot("handle", RTL_REGISTRY_HANDLE, (PCWSTR)(ULONG_PTR)0x10, NULL);
}

static VOID CheckFlags(VOID)
{
    static const WCHAR Variable[] = L"%SystemRoot%\\a;%Other%";
    static const WCHAR List[] = L"one\0two\0";
    ENTRY SubKey;
    ENTRY None;

    RtlZeroMemory(&None, sizeof(None));
    RtlZeroMemory(&SubKey, sizeof(SubKey));
    SubKey.Flags = RTL_QUERY_REGISTRY_SUBKEY;
    SubKey.Name = L"Parameters";
    Query("subkey", SubKey, Told("subkey", 0, L"Type"), Told("subkey", RTL_QUERY_REGISTRY_TOPKEY, L"Start"),
          STATUS_SUCCESS);
    SubKey.Name = L"Nothing";
    Query("no-subkey", SubKey, Told("no-subkey", 0, L"Type"), None, STATUS_SUCCESS);
    SubKey.Flags |= RTL_QUERY_REGISTRY_REQUIRED;
    Query("required-subkey", SubKey, Told("required-subkey", 0, L"Type"), None, STATUS_SUCCESS);
    QueryOne("every", Told("every", 0, NULL));
    QueryOne("no-value", Told("no-value", RTL_QUERY_REGISTRY_NOVALUE, NULL));
    Query("nothing", Told("nothing", RTL_QUERY_REGISTRY_SUBKEY, L"Parameters"), Told("nothing", 0, NULL),
          Told("nothing", RTL_QUERY_REGISTRY_REQUIRED, NULL), STATUS_SUCCESS);
    QueryOne("expand", Default(Told("expand", 0, L"None"), REG_EXPAND_SZ, Variable, 0));
    QueryOne("no-expand",
             Default(Told("no-expand", RTL_QUERY_REGISTRY_NOEXPAND, L"None"), REG_EXPAND_SZ, Variable, 0));
    QueryOne("list", Default(Told("list", 0, L"None"), REG_MULTI_SZ, List, 0));
    QueryOne("no-list", Default(Told("no-list", RTL_QUERY_REGISTRY_NOEXPAND, L"None"), REG_MULTI_SZ, List, 0));
    Query("delete", Told("delete", RTL_QUERY_REGISTRY_DELETE, L"ErrorControl"), Told("delete", 0, L"ErrorControl"),
          Told("delete", 0, L"Start"), STATUS_SUCCESS);
}

static VOID CheckDirectText(VOID)
{
    static const WCHAR Variable[] = L"%SystemRoot%\\a";
    static const WCHAR List[] = L"one\0two\0";
    WCHAR Room[8];
    UNICODE_STRING String;
    ENTRY Entry;

    RtlZeroMemory(&String, sizeof(String));
    QueryOne("made", Direct(0, L"DisplayName", &String));
    DbgPrint("made-text: length=%u maximum=%u text=%wZ\n", String.Length, String.MaximumLength, &String);
    RtlFreeUnicodeString(&String);

    String.Buffer = Room;
    String.MaximumLength = sizeof(Room);
    QueryOne("filled", Direct(0, L"DisplayName", &String));
    DbgPrint("filled-text: length=%u maximum=%u same=%u text=%ws\n", String.Length, String.MaximumLength,
             String.Buffer == Room, Room);
    String.MaximumLength = sizeof(Room) - 2;
    QueryOne("too-small", Direct(0, L"DisplayName", &String));

    RtlZeroMemory(&String, sizeof(String));
    QueryOne("expanded", Default(Direct(0, L"None", &String), REG_EXPAND_SZ, Variable, sizeof(Variable)));
    DbgPrint("expanded-text: %wZ\n", &String);
    RtlFreeUnicodeString(&String);
    QueryOne("list-as-it-is",
             Default(Direct(RTL_QUERY_REGISTRY_NOEXPAND, L"None", &String), REG_MULTI_SZ, List, 0));
    DbgPrint("list-text: length=%u maximum=%u\n", String.Length, String.MaximumLength);
    RtlFreeUnicodeString(&String);
    QueryOne("list-direct", Default(Direct(0, L"None", &String), REG_MULTI_SZ, List, 0));

    Entry = Direct(0, L"DisplayName", &String);
    Entry.QueryRoutine = Tell;
    QueryOne("direct-routine", Entry);
    Entry.Name = NULL;
    QueryOne("direct-no-name", Entry);
}

static VOID CheckDirectBytes(VOID)
{
    static const ULONG64 Long = 0x1122334455667788;
    ULONG Numbers[2] = {0xEEEEEEEE, 0xEEEEEEEE};
    union {
        LONG Size;
        ULONG64 Number;
        struct {
            ULONG Length;
            ULONG Type;
            ULONG64 Data;
        } Whole;
    } Buffer;

    QueryOne("four-bytes", Direct(0, L"Start", Numbers));
    DbgPrint("four-bytes-stored: %x %x\n", Numbers[0], Numbers[1]);
    Buffer.Number = 0;
    Buffer.Size = -8;
    QueryOne("negative", Default(Direct(0, L"None", &Buffer), REG_QWORD, &Long, sizeof(Long)));
    DbgPrint("negative-stored: %I64x\n", Buffer.Number);
    Buffer.Size = -7;
    QueryOne("negative-too-small", Default(Direct(0, L"None", &Buffer), REG_QWORD, &Long, sizeof(Long)));
    Buffer.Size = sizeof(Buffer);
    QueryOne("positive", Default(Direct(0, L"None", &Buffer), REG_QWORD, &Long, sizeof(Long)));
    DbgPrint("positive-stored: length=%u type=%u data=%I64x\n", Buffer.Whole.Length, Buffer.Whole.Type,
             Buffer.Whole.Data);
    Buffer.Size = sizeof(Buffer) - 1;
    QueryOne("positive-too-small", Default(Direct(0, L"None", &Buffer), REG_QWORD, &Long, sizeof(Long)));
}

static VOID CheckTypes(VOID)
{
    ULONG Number = 0xEEEEEEEE;
    ULONG Default4 = 77;
    ENTRY Entry = Direct(RTL_QUERY_REGISTRY_TYPECHECK, L"Start", &Number);

    Entry.DefaultType = EXPECT(REG_SZ);
    QueryOne("mismatch", Entry);
    DbgPrint("mismatch-stored: %x\n", Number);
    Entry.DefaultType = EXPECT(REG_DWORD);
    QueryOne("match", Entry);
    DbgPrint("match-stored: %x\n", Number);
    Entry.Flags &= ~RTL_QUERY_REGISTRY_TYPECHECK;
    Entry.DefaultType = EXPECT(REG_SZ);
    QueryOne("unchecked", Entry);
    Entry = Direct(RTL_QUERY_REGISTRY_TYPECHECK, L"None", &Number);
    Entry.DefaultType = EXPECT(REG_SZ);
    QueryOne("default-type", Default(Entry, REG_DWORD, &Default4, sizeof(Default4)));
    DbgPrint("default-stored: %u\n", Number);
}

static VOID CheckMissing(VOID)
{
    static const ULONG Number = 77;
    ENTRY None;

    RtlZeroMemory(&None, sizeof(None));
    Query("required", Default(Told("required", RTL_QUERY_REGISTRY_REQUIRED, L"None"), REG_DWORD, &Number, 4),
          Told("required", 0, L"Type"), None, STATUS_SUCCESS);
    Query("default", Default(Told("default", 0, L"None"), REG_DWORD, &Number, 4), Told("default", 0, L"Type"), None,
          STATUS_SUCCESS);
    Query("no-default", Default(Told("no-default", 0, L"None"), REG_NONE, &Number, 4),
          Told("no-default", 0, L"Type"), None, STATUS_SUCCESS);
    QueryOne("measured", Default(Told("measured", 0, L"None"), REG_SZ, L"abc", 0));
    Query("error", Told("error", 0, L"Type"), Told("error", 0, L"Start"), None, STATUS_UNSUCCESSFUL);
    Query("ignored", Told("ignored", 0, L"Type"), Told("ignored", 0, L"Start"), None, STATUS_BUFFER_TOO_SMALL);
}

/* The routine is lent the value; it isn't the routine's to free. */
static NTSTATUS NTAPI FreeValue(PWSTR Name, ULONG Type, PVOID Data, ULONG Length, PVOID Context, PVOID EntryContext)
{
    UNUSED(Name);
    UNUSED(Type);
    UNUSED(Length);
    UNUSED(Context);
    UNUSED(EntryContext);
    ExFreePool(Data);
    return STATUS_SUCCESS;
}

static VOID QueryOfUser(ULONG Flags)
{
    ULONG Number = 0xEEEEEEEE;
    ENTRY Table[2];
    NTSTATUS Status;

    RtlZeroMemory(Table, sizeof(Table));
    Table[0] = Direct(Flags, L"Number", &Number);
    Table[0].DefaultType = EXPECT(REG_DWORD);
    Status = RtlQueryRegistryValues(RTL_REGISTRY_USER, NULL, Table, NULL, NULL);
    DbgPrint("user-%x: status=%x number=%x\n", Flags, Status, Number);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = DriverName(RegistryPath);

    DriverObject->DriverUnload = DriverUnload;
    Service = Name.Buffer;
    if (IsNamed(RegistryPath, L"apc")) {
        ULONG Number;
        KIRQL Old = KfRaiseIrql(APC_LEVEL);

        QueryOne("apc", Direct(0, L"Start", &Number));
        KeLowerIrql(Old);
        DbgPrint("apc-stored: %u\n", Number);
    } else if (IsNamed(RegistryPath, L"untrusted")) {
        QueryOfUser(RTL_QUERY_REGISTRY_TYPECHECK);
        QueryOfUser(0);
    } else if (IsNamed(RegistryPath, L"freed")) {
        ENTRY Entry = Told("freed", 0, L"Type");

        Entry.QueryRoutine = FreeValue;
        QueryOne("freed", Entry);
    } else {
        CheckEnd();
        CheckRoots(RegistryPath);
        CheckTypes();
        CheckMissing();
        CheckDirectText();
        CheckDirectBytes();
        CheckFlags();
    }
    return STATUS_SUCCESS;
}
