//! Sizes as people write them.

use ntpool::{LEAST_MEMORY, MOST_MEMORY};
use ntpool_types::Bytes;

/// The size of a machine's memory.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn parse_memory(text: &str) -> Result<Bytes, String> {
    match parse_size(text)? {
        size if size < LEAST_MEMORY => Err("a machine has at least 16M of memory".to_owned()),
        size if size > MOST_MEMORY => Err("a machine has at most 32G of memory".to_owned()),
        size => Ok(size),
    }
}

/// A size such as `64M`, `1G` or `268435456`.
///
/// # Errors
/// A sentence that says what is wrong.
fn parse_size(text: &str) -> Result<Bytes, String> {
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

    #[test]
    fn the_memory_of_a_machine_has_the_limits_that_its_message_names() {
        assert_eq!(parse_memory("16M"), Ok(LEAST_MEMORY));
        assert_eq!(parse_memory("16777215"), Err("a machine has at least 16M of memory".to_owned()));
        assert_eq!(parse_memory("32G"), Ok(MOST_MEMORY));
        assert_eq!(parse_memory("34359738369"), Err("a machine has at most 32G of memory".to_owned()));
    }
}
