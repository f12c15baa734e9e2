//! Pool tags: four characters that say whose a block is.

use core::fmt;

/// A pool tag as it is stored: the first character in the lowest byte.
///
/// A C literal `'gaT1'` holds its characters the other way round, so tools show it as `1Tag` (POOL-205).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

impl Tag {
    /// The tag of allocations that name none (POOL-094).
    pub const NONE: Tag = Tag::from_text(*b"None");

    /// The tag under which allocations are counted once the tag table is full.
    pub const OVERFLOW: Tag = Tag::from_text(*b"Ovfl");

    /// The tag whose characters, in the order tools show them, are `text`.
    #[must_use]
    pub const fn from_text(text: [u8; 4]) -> Tag {
        Tag(u32::from_le_bytes(text))
    }

    /// The bit of older headers that demands a free with the tag (POOL-151). Current headers define it as 0, so new
    /// drivers never set it (POOL-152).
    pub const PROTECTED: u32 = 0x8000_0000;

    /// The tag that a debugger tool makes of typed text: exactly four characters, the missing ones spaces (POOL-203).
    ///
    /// `None` when the text has no or more than four characters, or one that a tag can't have (POOL-202).
    #[must_use]
    pub fn from_typed(text: &str) -> Option<Tag> {
        let mut characters = [b' '; 4];
        let length = text.len();
        if !(1..=4).contains(&length) {
            return None;
        }
        characters[..length].copy_from_slice(text.as_bytes());
        Some(Tag::from_text(characters)).filter(|tag| tag.is_well_formed())
    }

    /// The number by which requests are matched with the tag, as GFlags makes it of the text: the stored value
    /// (POOL-209).
    #[must_use]
    pub const fn matching_number(self) -> u32 {
        self.0
    }

    /// The number that the reference pages give for the tag: its characters read with the first one as the highest
    /// byte (POOL-207, POOL-208). It matches no request.
    #[must_use]
    pub const fn reference_number(self) -> u32 {
        self.0.swap_bytes()
    }

    /// Whether the block may only be freed with its tag (POOL-151).
    #[must_use]
    pub const fn is_protected(self) -> bool {
        self.0 & Tag::PROTECTED != 0
    }

    /// The tag's characters in the order tools show them; NUL and other unprintable bytes become `.` (POOL-204).
    #[must_use]
    pub fn text(self) -> [char; 4] {
        self.0.to_le_bytes().map(|byte| if (0x20..=0x7E).contains(&byte) { char::from(byte) } else { '.' })
    }

    /// Whether the tag is one to four printable ASCII characters, the rest NUL, and not zero (POOL-039, POOL-202).
    #[must_use]
    pub fn is_well_formed(self) -> bool {
        let bytes = self.0.to_le_bytes();
        self.0 != 0 && bytes.iter().all(|&byte| byte == 0 || (0x20..=0x7E).contains(&byte))
    }

    /// Whether at least one character is a letter or a digit (POOL-215).
    #[must_use]
    pub fn has_letter_or_digit(self) -> bool {
        self.0.to_le_bytes().iter().any(u8::is_ascii_alphanumeric)
    }

    /// Whether the tag is the text `BIG`, which legacy routines reject (POOL-214).
    #[must_use]
    pub fn is_big(self) -> bool {
        matches!(self.0.to_le_bytes(), [b'B', b'I', b'G', 0 | b' '])
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{self}'")
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().into_iter().try_for_each(|character| fmt::Write::write_char(f, character))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn pool_206_the_literal_fred_reads_derf() {
        let literal = u32::from_be_bytes(*b"Fred");
        assert_eq!(literal, 0x4672_6564, "what a C compiler makes of 'Fred'");
        assert_eq!(Tag(literal).to_string(), "derF");
    }

    // POOL-207 POOL-208
    #[test]
    fn pool_207_208_the_reference_pages_number_of_fred_reads_its_bytes_highest_first() {
        let fred = Tag(u32::from_be_bytes(*b"Fred"));
        assert_eq!(fred.0.to_le_bytes(), [0x64, 0x65, 0x72, 0x46]);
        assert_eq!(fred.reference_number(), 0x6465_7246);
    }

    #[test]
    fn pool_209_typed_text_and_stored_value_are_one_number_and_the_reference_pages_have_another() {
        let typed = Tag::from_typed("Tag1").unwrap();
        assert_eq!(typed.matching_number(), 0x3167_6154);
        let shown = Tag::from_typed("derF").unwrap();
        assert_eq!(shown, Tag(u32::from_be_bytes(*b"Fred")));
        assert_eq!(shown.matching_number(), 0x4672_6564);
        assert_ne!(shown.matching_number(), shown.reference_number());
    }

    #[test]
    fn pool_203_a_typed_tag_has_exactly_four_characters() {
        let literal = u32::from_be_bytes(*b" cbA");
        assert_eq!(Tag::from_typed("Abc"), Some(Tag(literal)));
        assert_eq!(Tag::from_typed("Abc").unwrap().to_string(), "Abc ");
        for text in ["", "Abcde", "a\u{7f}", "\u{e9}"] {
            assert_eq!(Tag::from_typed(text), None, "{text:?}");
        }
    }

    #[test]
    fn pool_205_a_literal_written_backwards_is_shown_forwards() {
        assert_eq!(Tag(u32::from_be_bytes(*b"1gaT")).to_string(), "Tag1");
    }

    #[test]
    fn pool_151_bit_31_protects_a_tag() {
        assert!(Tag(Tag::from_text(*b"Cnfg").0 | 0x8000_0000).is_protected());
        assert!(!Tag::from_text(*b"Cnfg").is_protected());
    }

    #[test]
    fn pool_204_nul_bytes_are_shown_as_dots() {
        assert_eq!(Tag::from_text(*b"rx\0\0").to_string(), "rx..");
    }

    // POOL-039 POOL-202
    #[test]
    fn pool_039_202_well_formed_tags_have_one_to_four_printable_characters() {
        for text in [*b"a\0\0\0", *b" bC~", *b"Tag1"] {
            assert!(Tag::from_text(text).is_well_formed());
        }
        for tag in [Tag(0), Tag::from_text(*b"ab\x1f\0"), Tag::from_text(*b"ab\x7fc"), Tag(0x8000_0041)] {
            assert!(!tag.is_well_formed(), "{tag:?}");
        }
    }

    #[test]
    fn pool_210_tags_are_case_sensitive() {
        assert_ne!(Tag::from_text(*b"Abcd"), Tag::from_text(*b"abcd"));
    }
}
