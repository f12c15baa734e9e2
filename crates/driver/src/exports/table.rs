//! The table of exports.

use super::{
    dbg, dpc, ex, fsrtl, interrupt, io, ke, lookaside, mm, processor, ps, registry, rtl, secure_pool, slist,
    stack, time, timer, work_item,
};
use crate::call::Call;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_finding::LimitKind;
use ntpool_types::{Irql, WindowsVersion};
use std::fmt::Write as _;

/// How well a routine is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// As documented.
    Faithful,
    /// With the deviation that is stated.
    Simplified(&'static str),
    /// Not carried out, for the reason that is stated; reaching it ends the run.
    Refused(&'static str),
}

impl Grade {
    /// The grade in a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Grade::Faithful => "faithful",
            Grade::Simplified(_) => "simplified",
            Grade::Refused(_) => "refused",
        }
    }

    /// The deviation or the reason, where there is one.
    #[must_use]
    pub const fn remark(self) -> Option<&'static str> {
        match self {
            Grade::Faithful => None,
            Grade::Simplified(remark) | Grade::Refused(remark) => Some(remark),
        }
    }
}

/// Who looks at the IRQL of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IrqlCheck {
    /// Every call above the ceiling is a finding.
    Ceiling,
    /// The routine itself, because what is allowed depends on its arguments.
    Own,
}

/// A routine that a driver can import.
#[derive(Clone, Copy)]
pub struct Export {
    /// Its name.
    pub name: &'static str,
    /// The image that exports it on Windows.
    pub dll: &'static str,
    /// The highest IRQL at which it may be called.
    pub ceiling: Irql,
    pub(crate) check: IrqlCheck,
    /// How well it is carried out.
    pub grade: Grade,
    /// Whether its documentation allows it to fail for want of memory or the like.
    pub failable: bool,
    /// The first build of Windows that has it; 0 where that is older than any version a machine can be.
    pub since: u32,
    pub(crate) routine: fn(&Session, &Call<'_>) -> Answer,
}

impl Export {
    /// Whether this version of Windows has it.
    #[must_use]
    pub const fn is_in(&self, version: WindowsVersion) -> bool {
        version.build >= self.since
    }

    /// Whether a call at this IRQL breaks the table's rule.
    pub(crate) fn is_too_high(&self, irql: Irql) -> bool {
        self.check == IrqlCheck::Ceiling && irql > self.ceiling
    }
}

/// An image that exports routines, from some build of Windows on.
struct Exporter {
    dll: &'static str,
    since: u32,
}

const NTOSKRNL: Exporter = Exporter { dll: "ntoskrnl.exe", since: 0 };
/// What the kernel exports from Windows 10 version 2004 on (POOL-029).
const NTOSKRNL_2004: Exporter = Exporter { since: WindowsVersion::BUILD_OF_2004, ..NTOSKRNL };

/// What drivers import from the hardware abstraction layer; newer kernels have it too.
const HAL: Exporter = Exporter { dll: "hal.dll", since: 0 };

macro_rules! exports {
    (@check own) => { IrqlCheck::Own };
    (@check ceiling) => { IrqlCheck::Ceiling };
    (@failable fails) => { true };
    (@failable sure) => { false };
    (@grade) => { Grade::Faithful };
    (@grade $remark:literal) => { Grade::Simplified($remark) };
    (@grade refused $why:literal) => { Grade::Refused($why) };
    (@routine [$($remark:literal)?] $family:ident $name:ident) => { $family::$name };
    (@routine [refused $why:literal] $family:ident $name:ident) => { refused };
    ($($family:ident in $exporter:ident {
        $($name:ident: $ceiling:ident $check:ident $failable:ident $($grade:ident)? $($remark:literal)?;)*
    })*) => {
        static TABLE: &[Export] = &[$($(Export {
            name: stringify!($name),
            dll: $exporter.dll,
            ceiling: Irql::$ceiling,
            check: exports!(@check $check),
            grade: exports!(@grade $($grade)? $($remark)?),
            failable: exports!(@failable $failable),
            since: $exporter.since,
            routine: exports!(@routine [$($grade)? $($remark)?] $family $name),
        },)*)*];
    };
}

exports! {
    ex in NTOSKRNL {
        ExAllocatePool: DISPATCH own fails;
        ExAllocatePoolWithTag: DISPATCH own fails;
        ExAllocatePoolWithQuota: DISPATCH own fails;
        ExAllocatePoolWithQuotaTag: DISPATCH own fails;
        ExAllocatePoolWithTagPriority: DISPATCH own fails "the special pool variants get ordinary pool";
        ExFreePool: DISPATCH own sure;
        ExFreePoolWithTag: DISPATCH own sure;
        ExQueryPoolBlockSize: DISPATCH ceiling sure refused "it is obsolete, its parameters are reserved and drivers must not call it; keep the size of a block beside its address";
    }
    ex in NTOSKRNL_2004 {
        ExAllocatePool2: DISPATCH own fails "special pool, which is best effort, is not given";
        ExAllocatePool3: DISPATCH own fails "special pool, which is best effort, is not given";
        ExFreePool2: DISPATCH own sure;
    }
    secure_pool in NTOSKRNL_2004 {
        ExCreatePool: PASSIVE ceiling fails "secure pools alone can be made, without names";
        ExDestroyPool: PASSIVE ceiling sure;
        ExSecurePoolUpdate: APC ceiling fails;
        ExSecurePoolValidate: APC ceiling sure;
    }
    fsrtl in NTOSKRNL {
        FsRtlAllocatePoolWithTag: DISPATCH own sure;
        FsRtlAllocatePoolWithQuotaTag: DISPATCH own sure;
    }
    lookaside in NTOSKRNL {
        ExInitializeLookasideListEx: DISPATCH ceiling fails "a depth is 4 at first; depths are adjusted once in a second of the machine's clock, by a policy of our own";
        ExAllocateFromLookasideListEx: DISPATCH ceiling fails "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExFreeToLookasideListEx: DISPATCH ceiling sure "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExFlushLookasideListEx: DISPATCH ceiling sure;
        ExDeleteLookasideListEx: DISPATCH ceiling sure;
        ExInitializeNPagedLookasideList: DISPATCH ceiling sure "a depth is 4 at first; depths are adjusted once in a second of the machine's clock, by a policy of our own";
        ExAllocateFromNPagedLookasideList: DISPATCH ceiling fails "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExFreeToNPagedLookasideList: DISPATCH ceiling sure "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExDeleteNPagedLookasideList: DISPATCH ceiling sure;
        ExInitializePagedLookasideList: APC ceiling sure "a depth is 4 at first; depths are adjusted once in a second of the machine's clock, by a policy of our own";
        ExAllocateFromPagedLookasideList: APC ceiling fails "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExFreeToPagedLookasideList: APC ceiling sure "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExDeletePagedLookasideList: APC ceiling sure;
        ExAdjustLookasideDepth: DISPATCH ceiling sure "reserved for the system; a call adjusts every list once";
    }
    slist in NTOSKRNL {
        InitializeSListHead: HIGH ceiling sure;
        ExQueryDepthSList: HIGH ceiling sure;
        FirstEntrySList: HIGH ceiling sure;
        ExpInterlockedPopEntrySList: HIGH ceiling sure;
        ExpInterlockedPushEntrySList: HIGH ceiling sure;
        ExpInterlockedFlushSList: HIGH ceiling sure;
        InterlockedPushListSList: HIGH ceiling sure;
    }
    dbg in NTOSKRNL {
        DbgPrint: HIGH own sure;
        DbgPrintEx: HIGH own sure "nothing is filtered out by component or level";
    }
    ke in NTOSKRNL {
        KeGetCurrentIrql: HIGH ceiling sure;
        KeRaiseIrql: HIGH ceiling sure;
        KfRaiseIrql: HIGH ceiling sure;
        KeLowerIrql: HIGH ceiling sure;
        KfLowerIrql: HIGH ceiling sure;
        KeRaiseIrqlToDpcLevel: DISPATCH ceiling sure;
        KeInitializeSpinLock: HIGH ceiling sure;
        KeAcquireSpinLock: DISPATCH ceiling sure;
        KeAcquireSpinLockRaiseToDpc: DISPATCH ceiling sure;
        KeReleaseSpinLock: DISPATCH ceiling sure;
        KeAcquireSpinLockAtDpcLevel: HIGH ceiling sure;
        KeReleaseSpinLockFromDpcLevel: HIGH ceiling sure;
        KeTryToAcquireSpinLockAtDpcLevel: HIGH ceiling sure;
        KeTestSpinLock: HIGH ceiling sure;
        KeDelayExecutionThread: APC own sure;
        KeBugCheck: HIGH ceiling sure;
        KeBugCheckEx: HIGH ceiling sure;
    }
    rtl in NTOSKRNL {
        RtlCopyMemory: HIGH ceiling sure;
        RtlMoveMemory: HIGH ceiling sure;
        RtlZeroMemory: HIGH ceiling sure;
        RtlFillMemory: HIGH ceiling sure;
        RtlCompareMemory: HIGH ceiling sure;
        memcpy: HIGH ceiling sure;
        memmove: HIGH ceiling sure;
        memset: HIGH ceiling sure;
        memcmp: HIGH ceiling sure;
        RtlInitUnicodeString: HIGH ceiling sure;
        RtlInitAnsiString: HIGH ceiling sure;
        RtlInitString: HIGH ceiling sure;
        RtlCopyUnicodeString: PASSIVE own sure;
        RtlCopyString: PASSIVE own sure;
        RtlAppendUnicodeStringToString: PASSIVE own fails;
        RtlAppendUnicodeToString: PASSIVE own fails;
        RtlCompareUnicodeString: PASSIVE ceiling sure "upper case is the simple mapping of Unicode, not the system's table";
        RtlEqualUnicodeString: PASSIVE ceiling sure "upper case is the simple mapping of Unicode, not the system's table";
        RtlPrefixUnicodeString: PASSIVE ceiling sure "upper case is the simple mapping of Unicode, not the system's table";
        RtlCompareString: PASSIVE ceiling sure;
        RtlEqualString: PASSIVE ceiling sure;
        RtlUpcaseUnicodeChar: PASSIVE ceiling sure "upper case is the simple mapping of Unicode, not the system's table";
        RtlUpcaseUnicodeString: PASSIVE ceiling fails "upper case is the simple mapping of Unicode, not the system's table";
        RtlUnicodeStringToAnsiString: PASSIVE ceiling fails "the ANSI code page is Windows-1252";
        RtlAnsiStringToUnicodeString: PASSIVE ceiling fails "the ANSI code page is Windows-1252";
        RtlFreeUnicodeString: APC ceiling sure;
        RtlFreeAnsiString: APC ceiling sure;
        RtlUnicodeStringToInteger: PASSIVE ceiling fails;
        RtlIntegerToUnicodeString: PASSIVE ceiling fails;
        RtlGetVersion: PASSIVE ceiling sure "the version is the one that the machine is told to be, Windows 10 build 19045 if none";
    }
    registry in NTOSKRNL {
        RtlQueryRegistryValues: PASSIVE ceiling fails "of environment variables %SystemRoot% alone is expanded, whatever environment is given; no key has a handle; the registry holds the driver's service key as an installation makes it, and otherwise empty keys";
    }
    io in NTOSKRNL {
        IoCreateDevice: APC ceiling fails "a security descriptor is not made";
        IoDeleteDevice: APC ceiling sure "nothing refers to a device object yet, so deletion is never pending";
        IoCreateSymbolicLink: PASSIVE ceiling fails;
        IoCreateUnprotectedSymbolicLink: PASSIVE ceiling fails;
        IoDeleteSymbolicLink: PASSIVE ceiling fails;
        IoAllocateMdl: DISPATCH ceiling fails "a request packet to tie it to is not taken";
        IoFreeMdl: DISPATCH ceiling sure;
        IoGetCurrentProcess: DISPATCH ceiling sure;
    }
    mm in NTOSKRNL {
        MmGetSystemRoutineAddress: PASSIVE ceiling sure;
        MmGetPhysicalAddress: HIGH ceiling sure;
        MmAllocateContiguousMemory: DISPATCH ceiling fails;
        MmFreeContiguousMemory: DISPATCH ceiling sure;
        MmBuildMdlForNonPagedPool: DISPATCH ceiling sure;
    }
    ps in NTOSKRNL {
        PsGetCurrentProcess: DISPATCH ceiling sure;
        PsGetCurrentProcessId: DISPATCH ceiling sure;
        PsChargePoolQuota: APC ceiling sure;
        PsReturnPoolQuota: APC ceiling sure;
        PsChargeProcessPoolQuota: APC ceiling fails;
        PsChargeProcessNonPagedPoolQuota: APC ceiling fails;
        PsChargeProcessPagedPoolQuota: APC ceiling fails;
        PsReturnProcessNonPagedPoolQuota: APC ceiling sure;
        PsReturnProcessPagedPoolQuota: APC ceiling sure;
    }
    dpc in NTOSKRNL {
        KeInitializeDpc: HIGH ceiling sure;
        KeInitializeThreadedDpc: HIGH ceiling sure "a threaded call runs on the stack of the thread that is current, which can't go on meanwhile";
        KeInsertQueueDpc: HIGH ceiling sure;
        KeRemoveQueueDpc: HIGH ceiling sure;
        KeSetImportanceDpc: HIGH ceiling sure "it matters from the next time that the call is queued, or its timer set";
        KeSetTargetProcessorDpc: HIGH ceiling sure "it matters from the next time that the call is queued, or its timer set";
        KeSetTargetProcessorDpcEx: HIGH ceiling sure "it matters from the next time that the call is queued, or its timer set";
        KeFlushQueuedDpcs: PASSIVE ceiling sure;
    }
    timer in NTOSKRNL {
        KeInitializeTimer: DISPATCH ceiling sure;
        KeInitializeTimerEx: DISPATCH ceiling sure;
        KeSetTimer: DISPATCH ceiling sure;
        KeSetTimerEx: DISPATCH ceiling sure;
        KeSetCoalescableTimer: DISPATCH ceiling sure "the timer expires at its exact time, which every tolerance allows";
        KeCancelTimer: DISPATCH ceiling sure;
        KeReadStateTimer: DISPATCH ceiling sure;
        ExAllocateTimer: DISPATCH ceiling fails "resolution and wake-ups are not modelled: every timer expires at its exact time";
        ExSetTimer: DISPATCH ceiling sure "the timer expires at its exact time, which every tolerance allows";
        ExCancelTimer: DISPATCH ceiling sure;
        ExDeleteTimer: DISPATCH own sure;
        IoInitializeTimer: PASSIVE ceiling fails;
        IoStartTimer: DISPATCH ceiling sure "each device's seconds count from its own start";
        IoStopTimer: DISPATCH ceiling sure;
    }
    work_item in NTOSKRNL {
        ExQueueWorkItem: DISPATCH ceiling sure "there are at most 16 worker threads";
        IoAllocateWorkItem: DISPATCH ceiling fails;
        IoInitializeWorkItem: DISPATCH ceiling sure;
        IoQueueWorkItem: DISPATCH ceiling sure "there are at most 16 worker threads";
        IoQueueWorkItemEx: DISPATCH ceiling sure "there are at most 16 worker threads";
        IoFreeWorkItem: DISPATCH ceiling sure;
        IoUninitializeWorkItem: DISPATCH ceiling sure;
        IoSizeofWorkItem: HIGH ceiling sure;
    }
    processor in NTOSKRNL {
        KeGetCurrentProcessorNumber: HIGH ceiling sure;
        KeGetCurrentProcessorNumberEx: HIGH ceiling sure;
        KeQueryActiveProcessors: HIGH ceiling sure;
        KeQueryActiveProcessorCount: HIGH ceiling sure;
        KeQueryActiveProcessorCountEx: HIGH ceiling sure;
        KeQueryMaximumProcessorCount: HIGH ceiling sure "no processor is added while the machine runs";
        KeQueryMaximumProcessorCountEx: HIGH ceiling sure "no processor is added while the machine runs";
        KeQueryActiveGroupCount: HIGH ceiling sure;
        KeQueryMaximumGroupCount: HIGH ceiling sure;
        KeQueryGroupAffinity: HIGH ceiling sure;
        KeGetProcessorNumberFromIndex: HIGH ceiling fails;
        KeGetProcessorIndexFromNumber: HIGH ceiling sure;
        KeSetSystemAffinityThread: DISPATCH ceiling sure;
        KeSetSystemAffinityThreadEx: DISPATCH ceiling sure;
        KeRevertToUserAffinityThread: DISPATCH ceiling sure;
        KeRevertToUserAffinityThreadEx: DISPATCH ceiling sure;
        KeSetSystemGroupAffinityThread: DISPATCH ceiling sure;
        KeRevertToUserGroupAffinityThread: DISPATCH ceiling sure;
        KeIpiGenericCall: CLOCK ceiling sure;
        ExGetPreviousMode: HIGH ceiling sure "it is always kernel mode, since no request comes from user mode yet";
    }
    interrupt in NTOSKRNL {
        IoConnectInterrupt: PASSIVE ceiling fails "there are no devices: the machine raises the interrupt by itself, soon after it is connected and up to 31 times later, at moments that the seed decides";
        IoConnectInterruptEx: PASSIVE ceiling fails "there are no devices: the machine raises the interrupt by itself, soon after it is connected and up to 31 times later, at moments that the seed decides; a line's level is 5 unless a higher one is asked for, and messages are not found";
        IoDisconnectInterrupt: PASSIVE ceiling sure;
        IoDisconnectInterruptEx: PASSIVE ceiling sure;
        KeSynchronizeExecution: HIGH own sure;
        KeAcquireInterruptSpinLock: HIGH own sure;
        KeReleaseInterruptSpinLock: HIGH own sure;
    }
    time in NTOSKRNL {
        KeQuerySystemTime: HIGH ceiling sure "it has the accuracy of the precise one; reading it takes a microsecond";
        KeQuerySystemTimePrecise: HIGH ceiling sure "reading it takes a microsecond";
        KeQueryInterruptTime: HIGH ceiling sure "it has the accuracy of the precise one; reading it takes a microsecond";
        KeQueryInterruptTimePrecise: HIGH ceiling sure "reading it takes a microsecond";
        KeQueryUnbiasedInterruptTime: HIGH ceiling sure "it has the accuracy of the precise one; reading it takes a microsecond; the machine never sleeps";
        KeQueryUnbiasedInterruptTimePrecise: HIGH ceiling sure "reading it takes a microsecond; the machine never sleeps";
        KeQueryTickCount: HIGH ceiling sure "reading it takes a microsecond";
        KeQueryTimeIncrement: HIGH ceiling sure;
        KeQueryPerformanceCounter: HIGH ceiling sure "it counts the machine's time, 10,000,000 in a second; reading it takes a microsecond";
        KeStallExecutionProcessor: HIGH ceiling sure "the machine's time passes, and no other";
        ExSystemTimeToLocalTime: HIGH ceiling sure "the time zone is that of universal time";
        ExLocalTimeToSystemTime: HIGH ceiling sure "the time zone is that of universal time";
        ExSetTimerResolution: APC ceiling sure "timers expire at their exact times whatever the resolution";
    }
    stack in NTOSKRNL {
        KeExpandKernelStackAndCallout: APC ceiling fails;
        KeExpandKernelStackAndCalloutEx: DISPATCH own fails;
    }
    time in HAL {
        KeQueryPerformanceCounter: HIGH ceiling sure "it counts the machine's time, 10,000,000 in a second; reading it takes a microsecond";
        KeStallExecutionProcessor: HIGH ceiling sure "the machine's time passes, and no other";
    }
}

/// Every routine that a driver can import.
#[must_use]
pub fn table() -> &'static [Export] {
    TABLE
}

/// The routine of this name in this image; image names are compared without regard to case.
#[must_use]
pub fn find(dll: &str, name: &str) -> Option<&'static Export> {
    place(dll, name).map(|place| &TABLE[place])
}

/// The place in the table of the routine of this name in this image.
pub(crate) fn place(dll: &str, name: &str) -> Option<usize> {
    TABLE.iter().position(|export| export.name == name && export.dll.eq_ignore_ascii_case(dll))
}

/// The place of the routine of this name in the table, whichever image exports it.
pub(crate) fn place_of(name: &str) -> Option<usize> {
    TABLE.iter().position(|export| export.name == name)
}

/// What a refused routine does: nothing, since its binding refuses it first.
fn refused(_: &Session, _: &Call<'_>) -> Answer {
    Err(Stop::Limit {
        kind: LimitKind::RefusedExport,
        message: "a routine was called that this machine refuses".to_owned(),
    })
}

/// The table as a page of documentation: `docs/exports.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Exports\n\n\
         <!-- Generated by `cargo run -p ntpool-gates -- write`; do not edit. -->\n\n\
         Every routine that a driver can import, made from the table in `crates/driver/src/exports/table.rs`.\n\n\
         *Faithful* means as documented. *Simplified* means with the deviation that is stated. Anything that is not in\n\
         this table is missing: a driver that imports it is loaded all the same, and the run ends when it is called.\n\
         `ntpool imports DRIVER.sys` compares a driver's imports with this table.\n",
    );
    let mut dlls: Vec<&str> = TABLE.iter().map(|export| export.dll).collect();
    dlls.dedup();
    for dll in dlls {
        let _ = write!(
            page,
            "\n## {dll}\n\n| routine | highest IRQL | grade | can fail | deviation |\n|---|---|---|---|---|\n"
        );
        for export in TABLE.iter().filter(|export| export.dll == dll) {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                export.name,
                export.ceiling,
                export.grade.word(),
                if export.failable { "yes" } else { "no" },
                export.grade.remark().unwrap_or_default(),
            );
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_routine_is_in_the_table_once() {
        for (at, export) in TABLE.iter().enumerate() {
            assert_eq!(place(export.dll, export.name), Some(at), "{}", export.name);
        }
    }

    #[test]
    fn a_routine_is_found_by_its_exact_name_in_its_own_image() {
        assert!(find("NTOSKRNL.EXE", "ExFreePool").is_some());
        assert!(find("ntoskrnl.exe", "exfreepool").is_none());
        assert!(find("HAL.dll", "ExFreePool").is_none());
    }

    // POOL-029 POOL-052
    #[test]
    fn pool_029_052_the_routines_that_take_flags_are_there_from_version_2004_on() {
        for name in ["ExAllocatePool2", "ExAllocatePool3", "ExFreePool2"] {
            let export = find("ntoskrnl.exe", name).unwrap();
            assert!(export.is_in(WindowsVersion::WINDOWS_10), "{name}");
            assert!(!export.is_in(WindowsVersion::WINDOWS_10_1909), "{name}");
        }
        assert!(find("ntoskrnl.exe", "ExAllocatePoolWithTag").unwrap().is_in(WindowsVersion::WINDOWS_7));
    }
}
