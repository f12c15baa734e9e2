//! UTF-16 as the kernel handles it: one code unit at a time.
//!
//! A counted string is a slice of code units here; nothing depends on a terminator, and no unit is refused, an
//! unpaired surrogate included.
//!
//! # Our choices
//! The kernel takes its tables from the system's locale files, which no public document lists. Here:
//! - Upper case is Unicode's, where it is one unit for one unit, and never leads from outside ASCII into it: no other
//!   unit may compare equal to an ASCII letter, or a check of a name could be passed with a look-alike.
//! - The ANSI code page is Windows-1252, as on a computer set up for western Europe or the Americas. A unit that it
//!   lacks becomes a question mark, each half of a surrogate pair one, so a conversion keeps the number of units.
//!
//! # Source
//! MACH-220 and the documentation pages of the two integer conversions; for Windows-1252 the public mapping of the
//! Unicode consortium with its five unassigned bytes mapped to the C1 controls of the same value.

use ntpool_types::NtStatus;
use std::cmp::Ordering;
use std::fmt;

/// The code unit's upper case, or the unit itself where it has none.
#[must_use]
pub fn upcase(unit: u16) -> u16 {
    let Some(character) = char::from_u32(unit.into()) else { return unit };
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) if one.is_ascii() == character.is_ascii() => {
            u16::try_from(u32::from(one)).unwrap_or(unit)
        }
        _ => unit,
    }
}

/// Orders two strings by the values of their code units, after upper-casing both if `ignore_case`.
///
/// Where one is the beginning of the other, the shorter comes first.
#[must_use]
pub fn compare(left: &[u16], right: &[u16], ignore_case: bool) -> Ordering {
    let fold = |&unit: &u16| if ignore_case { upcase(unit) } else { unit };
    left.iter().map(fold).cmp(right.iter().map(fold))
}

/// Whether `text` begins with `prefix`; case matters unless `ignore_case`.
#[must_use]
pub fn starts_with(text: &[u16], prefix: &[u16], ignore_case: bool) -> bool {
    text.get(..prefix.len()).is_some_and(|start| compare(start, prefix, ignore_case).is_eq())
}

/// What Windows-1252 has at 0x80 to 0x9F, where Latin-1 has the C1 controls.
const WINDOWS_1252: [u16; 32] = [
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152,
    0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122,
    0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
];

/// The code unit of an ANSI byte; every byte has one.
#[must_use]
pub fn from_ansi(byte: u8) -> u16 {
    match byte {
        0x80..=0x9F => WINDOWS_1252[usize::from(byte - 0x80)],
        _ => byte.into(),
    }
}

/// The ANSI byte of a code unit, or `?` where there is none.
#[must_use]
pub fn to_ansi(unit: u16) -> u8 {
    match u8::try_from(unit) {
        Ok(byte @ (..=0x7F | 0xA0..)) => byte,
        _ => (0x80..=0x9F).find(|&byte| from_ansi(byte) == unit).unwrap_or(b'?'),
    }
}

/// The UTF-8 form of a string, with U+FFFD for each unpaired surrogate.
#[must_use]
pub fn to_utf8(units: &[u16]) -> String {
    String::from_utf16_lossy(units)
}

/// Why an integer was neither read nor written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegerError {
    /// The string has no characters at all.
    Empty,
    /// The base is none of 0, 2, 8, 10 and 16.
    Base(u32),
}

impl fmt::Display for IntegerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntegerError::Empty => f.write_str("an empty string is no integer: check its length first"),
            IntegerError::Base(base) => write!(f, "base {base} is not known: use 0, 2, 8, 10 or 16"),
        }
    }
}

impl std::error::Error for IntegerError {}

impl From<IntegerError> for NtStatus {
    fn from(_: IntegerError) -> NtStatus {
        NtStatus::INVALID_PARAMETER
    }
}

/// Reads the integer at the start of `text`, behind blanks and a sign; what is no digit ends it (MACH-220).
///
/// Base 0 lets the prefixes `0x`, `0o` and `0b` choose, and means 10 without one. Text without digits is 0. A minus
/// gives the two's complement, and digits beyond 32 bits are lost at the top (the documentation leaves this open).
///
/// # Errors
/// An empty string and an unknown base; both are an invalid parameter to the driver.
pub fn parse_integer(text: &[u16], base: u32) -> Result<u32, IntegerError> {
    if text.is_empty() {
        return Err(IntegerError::Empty);
    }
    let mut rest = text;
    while let [blank, after @ ..] = rest
        && is_blank(*blank)
    {
        rest = after;
    }
    let mut negative = false;
    if let [sign, after @ ..] = rest
        && (*sign == unit(b'-') || *sign == unit(b'+'))
    {
        negative = *sign == unit(b'-');
        rest = after;
    }
    let radix = match base {
        0 => {
            let (radix, after) = take_prefix(rest);
            rest = after;
            radix
        }
        2 | 8 | 10 | 16 => base,
        _ => return Err(IntegerError::Base(base)),
    };
    let digits = rest.iter().map_while(|&unit| char::from_u32(unit.into())?.to_digit(radix));
    let value = digits.fold(0, |value: u32, digit| value.wrapping_mul(radix).wrapping_add(digit));
    Ok(if negative { value.wrapping_neg() } else { value })
}

/// Writes `value` in `base`, where 0 means 10; letters among the digits are capitals (the documentation leaves this
/// open).
///
/// # Errors
/// An unknown base.
pub fn format_integer(value: u64, base: u32) -> Result<Vec<u16>, IntegerError> {
    let text = match base {
        2 => format!("{value:b}"),
        8 => format!("{value:o}"),
        0 | 10 => format!("{value}"),
        16 => format!("{value:X}"),
        _ => return Err(IntegerError::Base(base)),
    };
    Ok(text.bytes().map(unit).collect())
}

/// The code unit of an ASCII character.
const fn unit(ascii: u8) -> u16 {
    ascii as u16
}

/// Whether the unit is white space in the C locale.
fn is_blank(unit: u16) -> bool {
    matches!(unit, 0x09..=0x0D | 0x20)
}

/// The radix that a prefix names, and what follows the prefix.
fn take_prefix(text: &[u16]) -> (u32, &[u16]) {
    const ZERO: u16 = unit(b'0');
    const X: u16 = unit(b'x');
    const O: u16 = unit(b'o');
    const B: u16 = unit(b'b');
    match text {
        [ZERO, X, rest @ ..] => (16, rest),
        [ZERO, O, rest @ ..] => (8, rest),
        [ZERO, B, rest @ ..] => (2, rest),
        _ => (10, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    fn parse(text: &str, base: u32) -> Result<i32, IntegerError> {
        parse_integer(&wide(text), base).map(u32::cast_signed)
    }

    #[test]
    fn mach_220_the_documented_examples_come_out_as_documented() {
        let examples = [
            ("123", 10, 123),
            ("  -345", 10, -345),
            ("xyz", 10, 0),
            ("   +678abc", 10, 678),
            ("   +678abc", 16, 6_785_724),
            ("007", 10, 7),
            ("789", 8, 7),
            ("FGH", 16, 15),
            ("      ", 10, 0),
        ];
        for (text, base, value) in examples {
            assert_eq!(parse(text, base), Ok(value), "{text:?} in base {base}");
        }
    }

    #[test]
    fn mach_220_base_0_reads_prefixes_and_otherwise_decimal() {
        for (text, value) in
            [("0x1fG", 0x1F), ("\t-0o17", -15), ("0b1012", 5), ("017", 17), ("0X1F", 0), ("0x", 0)]
        {
            assert_eq!(parse(text, 0), Ok(value), "{text:?}");
        }
        assert_eq!(parse("0x1F", 16), Ok(0), "a base that is given leaves a prefix to be no digit");
    }

    #[test]
    fn mach_220_an_empty_string_is_an_invalid_parameter() {
        assert_eq!(parse("", 10), Err(IntegerError::Empty));
        assert_eq!(NtStatus::from(IntegerError::Empty), NtStatus::INVALID_PARAMETER);
        assert_eq!(parse("- 1", 10), Ok(0), "no number, yet not empty");
    }

    #[test]
    fn unknown_bases_are_refused_both_ways() {
        for base in [1, 3, 7, 36, u32::MAX] {
            assert_eq!(parse("1", base), Err(IntegerError::Base(base)));
            assert_eq!(format_integer(1, base), Err(IntegerError::Base(base)));
        }
    }

    #[test]
    fn integers_wrap_at_32_bits_and_a_surrogate_is_no_digit() {
        assert_eq!(parse_integer(&wide("0x100000001"), 0), Ok(1));
        assert_eq!(parse_integer(&wide("4294967295"), 10), Ok(u32::MAX));
        assert_eq!(parse_integer(&[0x31, 0xD800, 0x31], 10), Ok(1));
        assert_eq!(parse_integer(&wide("1\u{661}"), 10), Ok(1), "other scripts' digits are none");
    }

    #[test]
    fn integers_are_written_in_each_base() {
        let written = |value, base| to_utf8(&format_integer(value, base).unwrap());
        assert_eq!(written(0xBEEF, 16), "BEEF");
        assert_eq!(written(8, 8), "10");
        assert_eq!(written(5, 2), "101");
        assert_eq!([written(0, 0), written(42, 10)], ["0", "42"]);
        assert_eq!(written(u64::MAX, 16), "FFFFFFFFFFFFFFFF");
        assert_eq!(written(u32::MAX.into(), 2).len(), 32);
    }

    #[test]
    fn upper_case_maps_one_unit_to_one_unit_or_leaves_it() {
        for (lower, upper) in [('a', 'A'), ('z', 'Z'), ('é', 'É'), ('ÿ', 'Ÿ'), ('я', 'Я'), ('ω', 'Ω')]
        {
            assert_eq!(upcase(lower as u16), upper as u16, "{lower}");
        }
        for same in ['A', '[', '0', 'ß', 'ﬁ', 'ŉ', '设'] {
            assert_eq!(upcase(same as u16), same as u16, "{same}");
        }
        assert_eq!([upcase(0xD83D), upcase(0xDE00)], [0xD83D, 0xDE00]);
    }

    #[test]
    fn upper_case_never_leads_into_ascii_and_is_final() {
        for unit in 0..=u16::MAX {
            let upper = upcase(unit);
            assert_eq!(upper < 0x80, unit < 0x80, "{unit:#x}");
            assert_eq!(upcase(upper), upper, "{unit:#x}");
        }
    }

    #[test]
    fn strings_are_ordered_by_units_and_the_shorter_comes_first() {
        let order = |left: &str, right: &str, ignore| compare(&wide(left), &wide(right), ignore);
        assert_eq!(order(r"\Device\A", r"\dEVICE\a", true), Ordering::Equal);
        assert_eq!(order("a", "A", false), Ordering::Greater);
        assert_eq!(order("a", "B", true), Ordering::Less);
        assert_eq!(
            order("a_", "aB", true),
            Ordering::Greater,
            "upper-cased, so '_' comes behind the letters"
        );
        assert_eq!(order("ab", "abc", false), Ordering::Less);
        assert_eq!(order("", "", true), Ordering::Equal);
        assert_eq!(compare(&[0xFFFF], &[1], false), Ordering::Greater);
    }

    #[test]
    fn a_prefix_is_no_longer_than_the_text() {
        let starts = |text: &str, prefix: &str, ignore| starts_with(&wide(text), &wide(prefix), ignore);
        assert!(starts(r"\DosDevices\A", r"\dosdevices\", true));
        assert!(!starts(r"\DosDevices\A", r"\dosdevices\", false));
        assert!(!starts("ab", "abc", true));
        assert!(starts("", "", false));
    }

    #[test]
    fn every_ansi_byte_survives_the_way_to_utf16_and_back() {
        for byte in 0..=u8::MAX {
            assert_eq!(to_ansi(from_ansi(byte)), byte);
        }
        assert_eq!(from_ansi(0x80), '€' as u16);
        assert_eq!(from_ansi(0xE4), 'ä' as u16);
        assert_eq!([0x81, 0x8D, 0x8F, 0x90, 0x9D].map(from_ansi), [0x81, 0x8D, 0x8F, 0x90, 0x9D]);
    }

    #[test]
    fn what_the_code_page_lacks_becomes_a_question_mark_per_unit() {
        let ansi: Vec<u8> = wide("Ā😀\u{80}–").into_iter().map(to_ansi).collect();
        assert_eq!(ansi, b"????\x96");
    }
}
