//! Rows with a label, and wrapped prose.

/// The columns before the text of a row: two of indentation, ten for the label, one between.
const INDENT: usize = 13;

/// A row with its label; an empty label continues the row above.
pub(super) fn row(label: &str, text: &str) -> String {
    format!("  {label:<10} {}\n", text.trim_end())
}

/// The columns that a row takes whose text has this many.
pub(super) fn columns(text: usize) -> usize {
    INDENT + text
}

/// Text filled with blanks on its right to at least `width` columns.
///
/// The width arguments of `format!` end at 65,535, and a hostile image may name its functions as long as it likes.
pub(super) fn left_aligned(text: &str, width: usize) -> String {
    text.to_owned() + &" ".repeat(width.saturating_sub(text.chars().count()))
}

/// Prose broken between words to stay within `width` columns where its words allow, continued with an indentation.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column == 0 {
            column = length;
        } else if column + 1 + length <= width {
            lines.push(' ');
            column += 1 + length;
        } else {
            lines.push_str("\n  ");
            column = 2 + length;
        }
        lines.push_str(word);
    }
    lines.push('\n');
    lines
}

/// A number with its noun, `1 block` or `2 blocks`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_between_words_and_long_words_stay_whole() {
        assert_eq!(wrapped("note: one two three", 9), "note: one\n  two\n  three\n");
        assert_eq!(wrapped("note: incomprehensible", 9), "note:\n  incomprehensible\n");
        assert_eq!(wrapped("", 9), "\n");
    }
}
