//! Makes characters visible that a hostile driver could use to deceive the reader.
//!
//! Hidden are the control characters (C0, DEL and C1: a terminal obeys U+009B as it does ESC [), and the characters
//! that no glyph shows but that reorder, join or break what stands around them. A backslash stays as it is, since
//! device names consist of them; the price is that an escape and the same characters spelled out look alike.

use std::fmt::Write;

/// Whether a terminal or editor would do something else with `c` than show it.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// `text` with its hidden characters written as `\u{1b}`.
pub(crate) fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) { escaped.extend(c.escape_unicode()) } else { escaped.push(c) }
    }
    escaped
}

/// A JSON text with the hidden characters of its strings written as `\u001b`, which a JSON reader turns back.
///
/// Between its strings a JSON text has no hidden characters but line ends, and within them those are escaped already.
pub(crate) fn json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !is_hidden(c) {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("a string takes everything");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_reordering_characters_become_visible() {
        assert_eq!(text("\x1b[2J\r\n\t\0\x7f"), r"\u{1b}[2J\u{d}\u{a}\u{9}\u{0}\u{7f}");
        assert_eq!(text("\u{9b}A \u{202e}cod.exe \u{e0041}"), r"\u{9b}A \u{202e}cod.exe \u{e0041}");
    }

    #[test]
    fn what_a_reader_can_see_stays_as_it_is() {
        for seen in [r"\Device\Sample", "Gerät 设备 'x' \u{fffd}", ""] {
            assert_eq!(text(seen), seen);
        }
    }

    #[test]
    fn escaped_json_reads_back_as_the_same_text() {
        let hostile = "\u{9b}A\u{202e}\u{e0041}\x1b\n\u{7f} plain";
        let json = json(&serde_json::to_string_pretty(&[hostile]).unwrap());
        assert!(json.chars().all(|c| c == '\n' || !is_hidden(c)), "{json:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&json).unwrap(), [hostile]);
    }
}
