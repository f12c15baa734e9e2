/* What the sample driver's files share. */
#include "kernel.h"

#define CONFIG_TAG 'gfnC' /* Cnfg */
#define TEXT_TAG 'txeT'   /* Text */
#define LOG_TAG 'goLS'    /* SLog */

/* What the driver was told about how to work. */
typedef struct _CONFIG {
    /* How many records the log begins with. */
    ULONG RecordCount;
    /* Seconds between two flushes of the log; 0 for never. */
    ULONG FlushInterval;
    /* The driver's key in the registry. */
    UNICODE_STRING ServiceKey;
} CONFIG, *PCONFIG;

/* One line of the log. */
typedef struct _RECORD {
    LIST_ENTRY Link;
    ULONG Number;
    ULONG Length;
    CHAR Text[40];
} RECORD, *PRECORD;

/* A log: records in the order of their numbers, and a stock of unused ones. */
typedef struct _LOG {
    KSPIN_LOCK Lock;
    LIST_ENTRY Records;
    LIST_ENTRY Unused;
    /* The slabs the records were cut from, linked by their first word. */
    PVOID Slabs;
    ULONG NextNumber;
} LOG, *PLOG;

/* config.c */
NTSTATUS ConfigOpen(PUNICODE_STRING RegistryPath, PCONFIG *Config);
VOID ConfigClose(PCONFIG Config);

/* log.c */
NTSTATUS LogOpen(PLOG Log, ULONG RecordCount);
VOID LogAppend(PLOG Log, const CHAR *Text);
ULONG LogRead(PLOG Log, PCHAR Buffer, ULONG Length);
VOID LogClose(PLOG Log);
