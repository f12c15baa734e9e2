//! What the debug prints show.

use crate::observer::{Observed, Observer};
use ntpool::ExitStatus;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("print");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn mach_221_text_is_printed_up_to_device_levels_and_unicode_only_at_passive_level() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
    assert_eq!(OBSERVED.line("device-level"), "irql=12 narrow");
    for (format, shown) in [
        ("C", "C"),
        ("S", "wide"),
        ("lc", "l"),
        ("ls", "long"),
        ("wc", "w"),
        ("ws", "w-wide"),
        ("wZ", "counted"),
    ] {
        assert_eq!(OBSERVED.line(format), shown, "%{format}");
    }
    let raised = DRIVER.run("unicode-at-apc");
    assert_eq!(raised.rules(), ["irql.too-high"; 7]);
    assert_eq!(OBSERVED.line("float"), "%f behind=7", "there is no floating-point format");
}

#[test]
fn mach_222_counted_strings_are_printed_by_their_length_and_wide_ones_to_their_end() {
    assert_eq!(OBSERVED.line("wZ"), "counted");
    assert_eq!(OBSERVED.line("Z"), "counted");
    assert_eq!(OBSERVED.line("ws"), "w-wide");
    assert_eq!(OBSERVED.line("S"), "wide");
    assert_eq!(OBSERVED.line("s"), "narrow c 17 beef");
}

#[test]
fn mach_223_pointers_and_i64_show_64_bits_and_d_and_x_32() {
    assert_eq!(OBSERVED.line("pointer"), "123456789ABCDEF0");
    // -1234567890123 has 0x8E05_5B35, negative, in its lower half.
    let low = -1_234_567_890_123_i64 as i32;
    assert_eq!(OBSERVED.line("signed"), format!("-1234567890123 {low}"));
    assert_eq!(OBSERVED.line("unsigned"), "123456789abcdef0 9abcdef0");
}

#[test]
fn mach_224_a_print_transmits_512_bytes_and_is_filed_as_default_and_info() {
    let lines = &OBSERVED.outcome.debug_output;
    let long = lines.iter().find(|line| line.text.starts_with("long: ")).expect("the long line");
    assert_eq!(long.text.len(), 512);
    assert!(long.text.starts_with("long: 0123456789abcdef"));
    // DPFLTR_DEFAULT_ID and DPFLTR_INFO_LEVEL.
    assert_eq!((long.component, long.level), (101, 3));
    let filed = lines.iter().find(|line| line.text == "filed: 1\n").expect("the filed line");
    assert_eq!((filed.component, filed.level), (77, 1), "the other routine says where");
}
