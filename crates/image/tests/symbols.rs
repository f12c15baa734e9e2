//! Names and lines of images that have no debug information, or hardly any.

mod support;

use ntpool_image::{SourceFrame, SymbolSource, Symbols};
use std::time::{Duration, Instant};
use support::{sample, with_export, with_symbol};

fn named(function: &str, offset: u32) -> Vec<SourceFrame> {
    let (function, function_offset) = (Some(function.to_owned()), Some(offset));
    vec![SourceFrame { function, function_offset, file: None, line: None }]
}

#[test]
fn without_any_names_nothing_is_resolved() {
    let symbols = Symbols::load(&sample().build(), None);
    assert_eq!((symbols.source(), symbols.notes().len()), (SymbolSource::None, 0));
    assert_eq!(symbols.resolve(0x1000), []);
}

#[test]
fn what_is_no_image_has_no_symbols_and_a_note() {
    let symbols = Symbols::load(b"MZ", None);
    assert_eq!(symbols.source(), SymbolSource::None);
    assert_eq!(symbols.notes(), ["no symbols: the file is no 64-bit PE image"]);
    assert_eq!(symbols.resolve(0), []);
}

#[test]
fn exports_give_names_where_there_is_no_symbol_table() {
    let symbols = Symbols::load(&with_export().build(), None);
    assert_eq!(symbols.resolve(0x1020), named("Work", 0));
    assert_eq!(symbols.resolve(0x1021), named("Work", 1));
    assert_eq!(symbols.resolve(0x101F), []);
}

#[test]
fn a_name_does_not_reach_into_the_next_function_or_section() {
    let mut builder = with_export();
    // The entry at 0x1040 is chained to another function. With its own information instead it is one by itself.
    assert_eq!(Symbols::load(&builder.build(), None).resolve(0x1048), named("Work", 0x28));
    builder.section(".rdata").put(support::INFO_CHAINED, &[1, 0, 0, 0]);
    let symbols = Symbols::load(&builder.build(), None);
    assert_eq!(symbols.resolve(0x103F), named("Work", 0x1F));
    assert_eq!(symbols.resolve(0x1040), []);
    assert_eq!(symbols.resolve(0x2000), []);
}

#[test]
fn the_symbol_table_gives_names_of_any_length() {
    let symbols = Symbols::load(&with_symbol("function_of_a_long_name"), None);
    assert_eq!(symbols.resolve(0x1024), named("function_of_a_long_name", 4));
}

#[test]
fn mangled_names_are_demangled() {
    let symbols = Symbols::load(&with_symbol("_ZN6Device5startEi"), None);
    assert_eq!(symbols.resolve(0x1020), named("Device::start(int)", 0));
}

#[test]
fn a_mangled_name_that_unfolds_without_end_is_left_as_it_is() {
    let mut name = "_Z1f4pairIccE".to_owned();
    for index in 0..34_u32 {
        let digit = |value: u32| char::from_digit(value, 36).expect("one digit").to_ascii_uppercase();
        let last = digit(index);
        name.push_str(&format!("S_IS{last}_S{last}_E"));
    }
    let begin = Instant::now();
    let symbols = Symbols::load(&with_symbol(&name), None);
    let frames = symbols.resolve(0x1020);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(frames, named(&name, 0));
}

#[test]
fn symbols_and_images_may_be_handed_to_another_thread() {
    fn may_be_sent<T: Send>(_: &T) {}
    may_be_sent(&Symbols::load(&sample().build(), None));
    may_be_sent(&ntpool_image::Image::parse(sample().build()).expect("the image is sound"));
}
