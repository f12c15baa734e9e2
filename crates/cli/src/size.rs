//! Sizes as people write them.

use ntpool_types::Bytes;

/// A size such as `64M`, `1G` or `268435456`.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn parse_size(text: &str) -> Result<Bytes, String> {
    let wrong = || format!("{text:?} is no size; write a number of bytes, or one with K, M or G behind it");
    let (digits, shift) =
        match text.char_indices().last().map(|(place, last)| (place, last.to_ascii_uppercase())) {
            Some((place, 'K')) => (&text[..place], 10),
            Some((place, 'M')) => (&text[..place], 20),
            Some((place, 'G')) => (&text[..place], 30),
            _ => (text, 0),
        };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).map(Bytes).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_a_unit_or_without() {
        assert_eq!(parse_size("64M"), Ok(Bytes::mib(64)));
        assert_eq!(parse_size("1g"), Ok(Bytes::mib(1024)));
        assert_eq!(parse_size("4096"), Ok(Bytes(4096)));
        for wrong in ["", "M", "-1", "1T", "64 M", "99999999999999999999", "18446744073709551615K", "1é"] {
            assert!(parse_size(wrong).is_err(), "{wrong:?}");
        }
    }
}
