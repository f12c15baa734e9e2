//! Driver objects, device objects and symbolic links.

use crate::observer::{Observed, Observer};
use ntpool::ExitStatus;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("io");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn the_driver_that_observes_commits_no_crime() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
}

#[test]
fn mach_076_a_new_driver_object_has_its_members_where_the_headers_say() {
    let expected =
        "type=4 size=150 devices=0000000000000000 unload=0000000000000000 extension=1 name=\\Driver\\observe";
    assert_eq!(OBSERVED.line("driver"), expected);
    assert!(OBSERVED.outcome.unloaded, "the unload routine is taken from where the driver put it");
}

#[test]
fn mach_077_a_new_device_object_has_its_members_where_the_headers_say() {
    // The object and 200 bytes of extension; 0x0B is a keyboard.
    let size = 0x150 + 200;
    let expected = format!(
        "status=0 type=3 size={size} driver=1 next=0000000000000000 attached=0000000000000000 device-type=b"
    );
    assert_eq!(OBSERVED.line("device"), expected);
    assert_eq!(OBSERVED.line("second"), "status=0 first=1 next=1 flags=88");
    assert_eq!(OBSERVED.line("deleted"), "first=1");
}

#[test]
fn mach_079_unset_dispatch_entries_fail_the_request() {
    assert_eq!(OBSERVED.line("dispatch"), "null=0 same=28 status=c0000010");
}

#[test]
fn mach_080_a_device_object_is_nonpaged_and_its_extension_zero() {
    assert_eq!(OBSERVED.line("extension"), "offset=150 zero=1");
    let (allocations, frees, bytes) = OBSERVED.tag("Devi", "nonpaged").expect("nonpaged device objects");
    assert_eq!((allocations, frees, bytes), (3, 3, 0));
    assert_eq!(OBSERVED.tag("Devi", "paged"), None);
}

#[test]
fn mach_081_a_device_is_made_up_to_apc_level_unless_name_or_memory_lacks() {
    assert_eq!(OBSERVED.line("collision"), "c0000035");
    assert_eq!(OBSERVED.line("too-large"), "c000009a");
    let observed = DRIVER.run("levels");
    let messages: Vec<&str> =
        observed.outcome.findings.iter().map(|finding| finding.message.as_str()).collect();
    let of_device: Vec<&&str> =
        messages.iter().filter(|message| message.contains("IoCreateDevice")).collect();
    assert_eq!(of_device.len(), 1, "{messages:?}");
    assert!(of_device[0].contains("DISPATCH_LEVEL"), "{of_device:?}");
}

#[test]
fn mach_082_a_new_device_has_a_stack_of_one_and_the_alignment_of_a_cache_line() {
    assert_eq!(OBSERVED.line("stack"), "size=1 alignment=3f");
}

/// A part of MACH-083: what the flag keeps away are opens and attachments.
#[test]
fn a_new_device_is_initializing_and_perhaps_exclusive() {
    // A name, initializing; the second device is exclusive and has no name.
    assert_eq!(OBSERVED.line("flags"), "c0 characteristics=100 references=0");
    assert!(OBSERVED.line("second").ends_with("flags=88"));
}

#[test]
fn mach_084_only_devices_made_in_driver_entry_stop_initializing_by_themselves() {
    assert_eq!(OBSERVED.line("flags-after-entry"), "40");
    assert_eq!(OBSERVED.line("flags-of-late"), "80");
}

#[test]
fn mach_091_a_link_leads_to_the_device_and_is_made_at_passive_level() {
    assert_eq!(OBSERVED.line("link"), "0");
    assert_eq!(OBSERVED.line("link-collision"), "c0000035", "the DOS devices have two names");
    let [device] = &OBSERVED.outcome.devices[..] else { panic!("{:?}", OBSERVED.outcome.devices) };
    assert_eq!(device.name.as_deref(), Some("\\Device\\Rows"));
    assert_eq!(device.links, ["\\DosDevices\\Rows"]);
    assert_eq!(OBSERVED.line("link-deleted"), "0");
    assert_eq!(OBSERVED.line("link-deleted-again"), "c0000034");
    let observed = DRIVER.run("levels");
    let finding = &observed.outcome.findings[0];
    assert_eq!(finding.rule, "irql.too-high");
    assert!(finding.message.contains("IoCreateSymbolicLink"), "{}", finding.message);
}
