//! The gate for names finds the kernel's spellings and leaves the house's words alone.

use ntpool_gates::names::{ALLOWED, check, is_spelling};
use ntpool_gates::{Problem, Tree};

fn found(files: &[(&str, &str)]) -> Vec<String> {
    check(&Tree::of(files)).iter().map(Problem::to_string).collect()
}

#[test]
fn the_pattern_knows_the_families() {
    for name in [
        "ExAllocatePool2",
        "KeRaiseIrql",
        "KfLowerIrql",
        "KiBugCheck",
        "MmProbeAndLockPages",
        "IoDeleteDevice",
        "IofCompleteRequest",
        "RtlCopyMemory",
        "FsRtlIsName",
        "ZwCreateFile",
        "NtClose",
        "ObDereferenceObject",
        "PsGetCurrentProcess",
        "HalGetAdapter",
        "SeAccessCheck",
        "PoStartNextPowerIrp",
        "CmRegisterCallback",
        "DbgPrint",
        "KdPrint",
        "EtwWrite",
    ] {
        assert!(is_spelling(name), "{name}");
    }
    for word in [
        "Export",
        "Executor",
        "Keep",
        "KiB",
        "Mmap",
        "IoAPC",
        "PoolFlags",
        "Psi",
        "Halt",
        "Object",
        "DbgX",
        "ntClose",
    ] {
        assert!(!is_spelling(word), "{word}");
    }
}

#[test]
fn a_spelling_away_from_home_is_found_in_code_comments_and_strings() {
    let source = "//! What ExFreePool does.\nfn f() { KeRaiseIrql(); }\nconst S: &str = \"DbgPrint\";\n";
    assert_eq!(
        found(&[("crates/machine/src/irql.rs", source)]),
        [
            "crates/machine/src/irql.rs:1: ExFreePool is the kernel's spelling: say it in plain words here",
            "crates/machine/src/irql.rs:2: KeRaiseIrql is the kernel's spelling: say it in plain words here",
            "crates/machine/src/irql.rs:3: DbgPrint is the kernel's spelling: say it in plain words here",
        ]
    );
}

#[test]
fn a_spelling_is_at_home_where_it_is_bound_tested_or_described() {
    for path in [
        "crates/abi/src/mdl.rs",
        "crates/driver/src/exports/ex.rs",
        "drivers/src/lib.rs",
        "crates/pool/tests/story.rs",
        "crates/driver/src/text/tests/x.rs",
        "docs/example.rs",
        "docs/exports.md",
        "crates/machine/README.md",
    ] {
        assert!(found(&[(path, "ExFreePool")]).is_empty(), "{path}");
    }
    for path in
        ["crates/driver/src/lib.rs", "crates/driver/src/exports.rs", "gates/src/names.rs", "fuzz/x.rs"]
    {
        assert_eq!(found(&[(path, "ExFreePool")]).len(), 1, "{path}");
    }
}

#[test]
fn an_export_without_a_family_is_known_from_the_exports() {
    let exports =
        ("crates/driver/src/exports/wdm.rs", "\"ProbeForRead\", \"memcpy\", \"a Sentence of Words\"");
    let problems =
        found(&[exports, ("crates/machine/src/x.rs", "ProbeForRead memcpy Sentence ProbeForWrite")]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("ProbeForRead "));
}

#[test]
fn types_of_the_ground_floor_are_no_functions() {
    let abi = ("crates/abi/src/stack.rs", "pub struct IoStackLocation {\n}\npub fn IoGetStack() {}");
    let types = ("crates/types/src/s.rs", "pub struct NtStatus(pub u32);");
    let user = ("crates/driver/src/x.rs", "use IoStackLocation; use NtStatus; IoGetStack");
    let problems = found(&[abi, types, user]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("IoGetStack"));
}

#[test]
fn an_allowed_word_has_a_reason_and_a_use() {
    let source = ("crates/machine/src/x.rs", "//! An IoError.");
    assert!(found(&[source, (ALLOWED, "# words\n\nIoError: an error of ours\n")]).is_empty());
    assert_eq!(found(&[source, (ALLOWED, "IoError:  \n")]).len(), 2, "without a reason it is not allowed");
    assert_eq!(
        found(&[(ALLOWED, "IoError: an error of ours\n")]),
        [format!("{ALLOWED}: IoError occurs nowhere: remove it")]
    );
}
