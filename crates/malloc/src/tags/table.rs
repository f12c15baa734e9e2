//! The table of tags as text.

use core::fmt::{self, Write};
use ntpool_types::Tag;

/// The counts of one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagLine {
    /// The tag.
    pub(crate) tag: Tag,
    /// Blocks that were allocated under it.
    pub(crate) allocations: u64,
    /// Blocks of these that were freed.
    pub(crate) frees: u64,
    /// Bytes in those that were not.
    pub(crate) bytes: u64,
}

impl TagLine {
    /// Both lines' counts, under the tag of this one.
    pub(crate) fn plus(self, other: TagLine) -> TagLine {
        TagLine {
            tag: self.tag,
            allocations: self.allocations + other.allocations,
            frees: self.frees + other.frees,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// Writes the table of the process with this number; `lines` calls what it is given with every line.
pub(crate) fn write(out: &mut impl Write, process: i32, lines: impl FnOnce(&mut dyn FnMut(TagLine))) {
    // A table that standard error does not take is lost; there is nobody to tell.
    let _ = try_write(out, process, lines);
}

fn try_write(out: &mut impl Write, process: i32, lines: impl FnOnce(&mut dyn FnMut(TagLine))) -> fmt::Result {
    writeln!(out, "ntpool: tags of process {process}")?;
    writeln!(out, "{:4} {:>14} {:>14} {:>14} {:>16}", "tag", "allocations", "frees", "live blocks", "bytes")?;
    let mut sum = TagLine { tag: Tag::NONE, allocations: 0, frees: 0, bytes: 0 };
    let mut result = Ok(());
    lines(&mut |line| {
        result = result.and_then(|()| row(out, format_args!("{}", line.tag), line));
        sum = sum.plus(line);
    });
    result.and_then(|()| row(out, format_args!("all "), sum))
}

fn row(out: &mut impl Write, name: fmt::Arguments<'_>, line: TagLine) -> fmt::Result {
    let live = line.allocations - line.frees;
    writeln!(out, "{name} {:>14} {:>14} {live:>14} {:>16}", line.allocations, line.frees, line.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_tag_and_their_sum() {
        let tag = |text: &[u8; 4]| Tag::from_text(*text);
        let lines = [
            TagLine { tag: tag(b"git "), allocations: 1200, frees: 1000, bytes: 65_536 },
            TagLine { tag: tag(b"c.so"), allocations: 3, frees: 3, bytes: 0 },
        ];
        let mut text = String::new();
        write(&mut text, 42, |f| lines.into_iter().for_each(f));
        let expected = "\
ntpool: tags of process 42
tag     allocations          frees    live blocks            bytes
git            1200           1000            200            65536
c.so              3              3              0                0
all            1203           1003            200            65536
";
        assert_eq!(text, expected);
    }
}
