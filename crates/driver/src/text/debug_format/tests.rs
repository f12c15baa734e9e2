//! Formats with their arguments, and the memory they may and may not read.

use super::*;

/// Slots, and pieces of memory with nothing between them.
#[derive(Default)]
struct Fake {
    slots: Vec<u64>,
    taken: usize,
    memory: Vec<(u64, Vec<u8>)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Slot,
    Memory(u64),
}

impl Arguments for Fake {
    type Error = Fault;

    fn next(&mut self) -> Result<u64, Fault> {
        self.taken += 1;
        self.slots.get(self.taken - 1).copied().ok_or(Fault::Slot)
    }

    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        let found = self.memory.iter().find_map(|(base, bytes)| {
            let start = usize::try_from(address.checked_sub(*base)?).ok()?;
            bytes.get(start..start + into.len())
        });
        into.copy_from_slice(found.ok_or(Fault::Memory(address))?);
        Ok(())
    }
}

fn with_memory(slots: &[u64], memory: &[(u64, &[u8])]) -> Fake {
    Fake {
        slots: slots.to_vec(),
        taken: 0,
        memory: memory.iter().map(|(base, bytes)| (*base, bytes.to_vec())).collect(),
    }
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn counted(length: u16, buffer: u64) -> Vec<u8> {
    let mut bytes = [length.to_le_bytes(), length.to_le_bytes()].concat();
    bytes.extend([0xAA; 4]);
    bytes.extend(buffer.to_le_bytes());
    bytes
}

/// The text of a format whose arguments are numbers, every one of which it must take.
fn text(format_text: &str, slots: &[u64]) -> String {
    let mut fake = with_memory(slots, &[]);
    let formatted = format(format_text.as_bytes(), &mut fake).expect("no memory is needed");
    assert_eq!(fake.taken, slots.len(), "{format_text}: slots taken");
    String::from_utf8(formatted.text).expect("numbers are ASCII")
}

const MINUS_ONE: u64 = u64::MAX;

#[test]
fn integers_follow_flags_width_and_precision() {
    for (format, slot, expected) in [
        ("%d", 42, "42"),
        ("%i", MINUS_ONE, "-1"),
        ("%+d", 42, "+42"),
        ("% d", 42, " 42"),
        ("%+ d", 42, "+42"),
        ("% d", MINUS_ONE, "-1"),
        ("%+u", 42, "42"),
        ("%5d|", 42, "   42|"),
        ("%-5d|", 42, "42   |"),
        ("%05d|", MINUS_ONE, "-0001|"),
        ("%-05d|", 42, "42   |"),
        ("%.4d", MINUS_ONE, "-0001"),
        ("%06.3d", 42, "   042"),
        ("%.0d|", 0, "|"),
        ("%.d|", 0, "|"),
        ("%5.0d|", 0, "     |"),
        ("%2d", 12345, "12345"),
        ("%x", 0xBEEF, "beef"),
        ("%X", 0xBEEF, "BEEF"),
        ("%#x", 0xBEEF, "0xbeef"),
        ("%#X", 0xBEEF, "0XBEEF"),
        ("%#x", 0, "0"),
        ("%#08x", 0xBEEF, "0x00beef"),
        ("%#10x", 0xBEEF, "    0xbeef"),
        ("%08X", 0xBEEF, "0000BEEF"),
        ("%o", 8, "10"),
        ("%#o", 8, "010"),
        ("%#.3o", 8, "010"),
        ("%#08o", 8, "00000010"),
        ("%#o", 0, "0"),
        ("%#.0o", 0, "0"),
        ("%u", MINUS_ONE, "4294967295"),
    ] {
        assert_eq!(text(format, &[slot]), expected, "{format}");
    }
}

#[test]
fn a_star_takes_width_and_precision_from_the_arguments() {
    assert_eq!(text("%*d|", &[5, 42]), "   42|");
    assert_eq!(text("%*d|", &[0xFFFF_FFFB, 42]), "42   |", "a negative width is a flag and a width");
    assert_eq!(text("%.*d|", &[4, 42]), "0042|");
    assert_eq!(text("%.*d|", &[MINUS_ONE, 0]), "0|", "a negative precision is none");
    assert_eq!(text("%-*.*x|", &[6, 3, 0xA]), "00a   |");
}

#[test]
fn mach_223_size_prefixes_choose_how_much_of_a_slot_counts() {
    let slot = 0x1234_5678_9ABC_DEF0;
    assert_eq!(text("%p", &[slot]), "123456789ABCDEF0");
    assert_eq!(text("%p %p", &[0, 0xABC]), "0000000000000000 0000000000000ABC");
    assert_eq!(text("%20p|%-20p|", &[1, 2]), "    0000000000000001|0000000000000002    |");
    for whole in ["%I64x", "%llx", "%Ix", "%jx", "%zx", "%tx"] {
        assert_eq!(text(whole, &[slot]), "123456789abcdef0", "{whole}");
    }
    for half in ["%x", "%lx", "%I32x", "%wx", "%Lx"] {
        assert_eq!(text(half, &[slot]), "9abcdef0", "{half}");
    }
    assert_eq!(text("%hx %hhx", &[slot, slot]), "def0 f0");
    assert_eq!(text("%d %ld %hd %hhd", &[slot; 4]), "-1698898192 -1698898192 -8464 -16");
    assert_eq!(text("%I64d %lld %I64u", &[MINUS_ONE; 3]), "-1 -1 18446744073709551615");
    assert_eq!(text("%I64d", &[i64::MIN.cast_unsigned()]), "-9223372036854775808");
}

#[test]
fn mach_222_counted_strings_print_length_bytes() {
    let ansi = counted(5, 0x100);
    let unicode = counted(6, 0x200);
    let name = wide("Gerät");
    let memory: &[(u64, &[u8])] =
        &[(0x1000, &ansi), (0x2000, &unicode), (0x100, b"ab\0cd"), (0x200, &name[..6])];
    for (format_text, address, expected) in [
        ("%Z|", 0x1000, &b"ab\0cd|"[..]),
        ("%hZ|", 0x1000, b"ab\0cd|"),
        ("%.2Z|", 0x1000, b"ab|"),
        ("%7Z|", 0x1000, b"  ab\0cd|"),
        ("%wZ|", 0x2000, b"Ger|"),
        ("%lZ|", 0x2000, b"Ger|"),
        ("%-5wZ|", 0x2000, b"Ger  |"),
    ] {
        let formatted = format(format_text.as_bytes(), &mut with_memory(&[address], memory)).unwrap();
        assert_eq!(formatted.text, expected, "{format_text}");
    }
}

#[test]
fn mach_222_wide_strings_end_at_their_nul() {
    let string = wide("Gerät 😀\0behind");
    for wide_type in ["%ws", "%S", "%ls", "%lS", "%wS"] {
        let mut fake = with_memory(&[0x1000], &[(0x1000, &string)]);
        let formatted = format(wide_type.as_bytes(), &mut fake).unwrap();
        assert_eq!(formatted.text, "Gerät 😀".as_bytes(), "{wide_type}");
    }
    for narrow_type in ["%s", "%hs", "%hS"] {
        let mut fake = with_memory(&[0x1000], &[(0x1000, b"plain\0behind")]);
        assert_eq!(format(narrow_type.as_bytes(), &mut fake).unwrap().text, b"plain", "{narrow_type}");
    }
}

#[test]
fn mach_221_every_unicode_type_is_told_and_no_other() {
    let string = wide("u\0");
    let unicode = counted(2, 0x1000);
    let memory: &[(u64, &[u8])] = &[(0x1000, &string), (0x2000, &unicode)];
    let used = |format_text: &str, slot| {
        format(format_text.as_bytes(), &mut with_memory(&[slot], memory)).unwrap().used_unicode
    };
    for wide_type in ["%C", "%S", "%lc", "%ls", "%wc", "%ws", "%wZ", "%lZ"] {
        let slot = if wide_type.ends_with('Z') { 0x2000 } else { 0x1000 };
        assert!(used(wide_type, slot), "{wide_type}");
    }
    assert!(used("%ws", 0), "the type decides, not the string");
    for narrow_type in ["%c", "%hc", "%hC", "%s", "%hs", "%hS", "%Z", "%d", "%%"] {
        assert!(!used(narrow_type, 0), "{narrow_type}");
    }
}

#[test]
fn mach_221_there_is_no_floating_point_format() {
    for kind in "aAeEfFgG".chars() {
        let specification = format!("%-8.3{kind}");
        let mut fake = with_memory(&[1.5_f64.to_bits(), 7], &[]);
        let formatted = format(format!("{specification} %d").as_bytes(), &mut fake).unwrap();
        assert_eq!(String::from_utf8(formatted.text).unwrap(), format!("{specification} 7"));
        assert_eq!(formatted.refused, Some(kind as u8));
    }
}

#[test]
fn a_format_can_not_write_memory() {
    let mut fake = with_memory(&[0x1000, 7], &[(0x1000, &[0; 4])]);
    let formatted = format(b"a%nb%d", &mut fake).unwrap();
    assert_eq!((formatted.text, formatted.refused), (b"ab7".to_vec(), Some(b'n')));
}

#[test]
fn null_strings_say_so() {
    for null in ["%s", "%S", "%ws", "%Z", "%wZ"] {
        assert_eq!(text(null, &[0]), "(null)", "{null}");
    }
    assert_eq!(text("%8s|%-8wZ|%.3S", &[0, 0, 0]), "  (null)|(null)  |(nu");
    let empty = counted(0, 0);
    for null in ["%Z", "%wZ"] {
        let mut fake = with_memory(&[0x1000], &[(0x1000, &empty)]);
        assert_eq!(format(null.as_bytes(), &mut fake).unwrap().text, b"(null)", "{null}");
    }
}

#[test]
fn characters_are_bytes_or_units() {
    assert_eq!(text("%c%hc%5c|%-3c|", &[0x41, 0x1_0042, 0x43, 0x44]), "AB    C|D  |");
    assert_eq!(text("%C%lc%wc%3C|", &[0xE4, 0x8BBE, 0x41, 0xE4]), "ä设A  ä|");
    assert_eq!(text("%wc", &[0xD800]), "\u{FFFD}", "half a pair is no character");
    assert_eq!(
        format(b"%c%c", &mut with_memory(&[0xE4, 0], &[])).unwrap().text,
        b"\xE4\0",
        "bytes as they are"
    );
}

#[test]
fn a_surrogate_that_the_precision_leaves_alone_is_replaced() {
    let string = wide("😀\0");
    let mut fake = with_memory(&[0x1000, 0x1002], &[(0x1000, &string)]);
    assert_eq!(format(b"%.1ws|%ws", &mut fake).unwrap().text, "\u{FFFD}|\u{FFFD}".as_bytes());
}

#[test]
fn a_string_is_not_read_beyond_its_terminator_or_precision() {
    // The memory ends with the last character that may be read.
    let string = wide("ab");
    let terminated = wide("ab\0");
    for (format_text, memory, expected) in [
        ("%s|", &b"ab\0"[..], "ab|"),
        ("%.2s|", b"ab", "ab|"),
        ("%5.2s|", b"ab", "   ab|"),
        ("%-5.1s|", b"a", "a    |"),
        ("%.0s|", b"", "|"),
        ("%ws|", &terminated, "ab|"),
        ("%.2ws|", &string, "ab|"),
        ("%.0ws|", b"", "|"),
    ] {
        let mut fake = with_memory(&[0x1FFE], &[(0x1FFE, memory)]);
        let formatted = format(format_text.as_bytes(), &mut fake).unwrap_or_else(|_| panic!("{format_text}"));
        assert_eq!(String::from_utf8(formatted.text).unwrap(), expected, "{format_text}");
    }
}

#[test]
fn what_can_not_be_read_is_an_error() {
    let memory: &[(u64, &[u8])] = &[(0x1000, b"ab")];
    let error = |format_text: &str, slots: &[u64]| {
        format(format_text.as_bytes(), &mut with_memory(slots, memory)).expect_err("memory ends")
    };
    assert_eq!(error("%s", &[0x1000]), Fault::Memory(0x1002));
    assert_eq!(error("%ws", &[0x1000]), Fault::Memory(0x1002));
    assert_eq!(error("%Z", &[0x2000]), Fault::Memory(0x2000));
    assert_eq!(error("%s", &[u64::MAX]), Fault::Memory(u64::MAX));
    assert_eq!(error("%d %d", &[1]), Fault::Slot);
}

#[test]
fn zeros_fill_any_type_on_its_left_as_documented() {
    let mut fake = with_memory(&[0x1000, 0x1000], &[(0x1000, b"ab\0")]);
    assert_eq!(format(b"%05s|%-05s|", &mut fake).unwrap().text, b"000ab|ab   |");
}

#[test]
fn what_means_nothing_is_shown_as_the_character_it_is() {
    assert_eq!(text("100%% %y %-5q|", &[]), "100% y q|");
    assert_eq!(text("%", &[]), "");
    assert_eq!(text("ab%-08.3ll", &[]), "ab", "the format ends within a specification");
    assert_eq!(text("a\0%d", &[]), "a");
    assert_eq!(text("", &[]), "");
}

#[test]
fn a_hostile_width_or_string_ends_at_the_limit() {
    let endless = vec![b'x'; MAX_TEXT * 3];
    for (format_text, slots) in [
        ("%2147483647d", &[1][..]),
        ("%-99999999999999999999d", &[1]),
        ("%.2147483647x", &[1]),
        ("%*s", &[0x7FFF_FFFF, 0]),
        ("%s", &[0x1000]),
        ("%ws", &[0x1000]),
        ("%60000d%60000d", &[1, 1]),
    ] {
        let mut fake = with_memory(slots, &[(0x1000, &endless)]);
        let formatted = format(format_text.as_bytes(), &mut fake).unwrap();
        assert_eq!((formatted.text.len(), formatted.truncated), (MAX_TEXT, true), "{format_text}");
    }
    assert!(!format(b"%65536d", &mut with_memory(&[1], &[])).unwrap().truncated);
}
