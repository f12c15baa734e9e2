//! What was left: a table, and the line that ends every report.

use super::row::{counted, left_aligned};
use crate::escape;
use ntpool_finding::TagUsage;

/// The rows that still have something.
fn remaining(left: &[TagUsage]) -> impl Iterator<Item = &TagUsage> {
    left.iter().filter(|row| row.blocks() != 0 || row.bytes != 0)
}

/// The table of what is left per tag and kind, or `None` when nothing is.
pub(super) fn table(left: &[TagUsage]) -> Option<String> {
    let mut rows = vec![["tag", "kind", "allocations", "frees", "blocks", "bytes"].map(str::to_owned)];
    rows.extend(remaining(left).map(|row| {
        [
            escape::text(&row.tag),
            escape::text(&row.kind),
            row.allocations.to_string(),
            row.frees.to_string(),
            row.blocks().to_string(),
            row.bytes.to_string(),
        ]
    }));
    if rows.len() == 1 {
        return None;
    }
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let [tag, kind, allocations, frees, blocks, bytes] = widths;
    let line = |[t, k, a, f, n, b]: &[String; 6]| {
        let names = format!("  {}  {}", left_aligned(t, tag), left_aligned(k, kind));
        format!("{names}  {a:>allocations$}  {f:>frees$}  {n:>blocks$}  {b:>bytes$}\n")
    };
    Some(rows.iter().map(line).collect())
}

/// The last line of a report, without its line end.
pub(super) fn line(left: &[TagUsage]) -> String {
    let mut tags: Vec<(&str, u64, u64)> = Vec::new();
    for row in remaining(left) {
        match tags.iter_mut().find(|(tag, ..)| *tag == row.tag) {
            Some((_, blocks, bytes)) => {
                *blocks = blocks.saturating_add(row.blocks());
                *bytes = bytes.saturating_add(row.bytes);
            }
            None => tags.push((&row.tag, row.blocks(), row.bytes)),
        }
    }
    if tags.is_empty() {
        return "left: nothing".to_owned();
    }
    let blocks = tags.iter().fold(0, |sum: u64, (_, blocks, _)| sum.saturating_add(*blocks));
    let bytes = tags.iter().fold(0, |sum: u64, (.., bytes)| sum.saturating_add(*bytes));
    let each = |(tag, blocks, bytes): &(&str, u64, u64)| {
        format!("{} {blocks} ({})", escape::text(tag), counted(*bytes, "byte"))
    };
    let each: Vec<String> = tags.iter().map(each).collect();
    format!("left: {}, {}: {}", counted(blocks, "block"), counted(bytes, "byte"), each.join(", "))
}
