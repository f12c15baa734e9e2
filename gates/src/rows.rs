//! The rows of the specification, and how tests cite them.

use crate::{Problem, Tree};
use std::fmt;

/// The table of rows: `id | marker | section`.
pub const PATH: &str = "gates/rows.txt";

/// The prefixes of row ids with the subject of their chapter.
pub const CHAPTERS: [(&str, &str); 7] = [
    ("POOL", "Kernel pool"),
    ("LOOK", "Lookaside lists"),
    ("SYS", "System-space memory"),
    ("DMA", "DMA adapters"),
    ("VRF", "Special pool, Driver Verifier and bug checks"),
    ("TOOL", "Tools, registry settings and tracing"),
    ("MACH", "The machine around the allocators"),
];

/// The id of a row, such as POOL-017.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    /// The chapter's place in [`CHAPTERS`].
    pub chapter: usize,
    /// The row's number in it.
    pub number: u16,
}

impl RowId {
    /// Reads `POOL-017`.
    #[must_use]
    pub fn parse(text: &str) -> Option<RowId> {
        let (prefix, number) = text.split_once('-')?;
        let chapter = CHAPTERS.iter().position(|(known, _)| *known == prefix)?;
        Some(RowId { chapter, number: number_of_three_digits(number)? })
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:03}", CHAPTERS[self.chapter].0, self.number)
    }
}

fn number_of_three_digits(text: &str) -> Option<u16> {
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// What the specification says about how sure a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// Stated by its source.
    Stated,
    /// Follows from the source by inference.
    Derived,
    /// Two sources disagree.
    Conflict,
    /// No source gives the fact: what we do is our choice.
    Unconfirmed,
}

/// A row of the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its id.
    pub id: RowId,
    /// How sure it is.
    pub marker: Marker,
    /// The section it stands in.
    pub section: &'a str,
}

/// Reads the table of rows.
///
/// # Errors
/// The lines that are no row, are out of order, or repeat one.
pub fn load(tree: &Tree) -> Result<Vec<Row<'_>>, Vec<Problem>> {
    let Some(table) = tree.text(PATH) else { return Err(vec![Problem::new(PATH, "is missing")]) };
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut problems = Vec::new();
    for (index, line) in table.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        match row(line) {
            None => problems.push(Problem::at(PATH, index, "a line is `id | marker | section`")),
            Some(row) if rows.iter().any(|other| other.id == row.id) => {
                problems.push(Problem::at(PATH, index, format!("{} is there twice", row.id)));
            }
            Some(row) => rows.push(row),
        }
    }
    rows.sort_by_key(|row| row.id);
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

fn row(line: &str) -> Option<Row<'_>> {
    let mut cells = line.splitn(3, " | ");
    let id = RowId::parse(cells.next()?)?;
    let marker = match cells.next()? {
        "-" => Marker::Stated,
        "DERIVED" => Marker::Derived,
        "CONFLICT" => Marker::Conflict,
        "UNCONFIRMED" => Marker::Unconfirmed,
        _ => return None,
    };
    Some(Row { id, marker, section: cells.next()? })
}

/// The rows that a test's name cites: `pool_190_191_mach_142_each_has_its_bit` cites three.
#[must_use]
pub fn in_name(name: &str) -> Vec<RowId> {
    let mut rows = Vec::new();
    let mut chapter = None;
    for part in name.split('_') {
        let named = CHAPTERS.iter().position(|(prefix, _)| prefix.to_ascii_lowercase() == part);
        match (named, chapter, number_of_three_digits(part)) {
            (Some(_), ..) => chapter = named,
            (None, Some(chapter), Some(number)) => rows.push(RowId { chapter, number }),
            _ => break,
        }
    }
    rows
}

/// The rows that a comment line lists, if it does nothing else: `// POOL-003 POOL-004`.
#[must_use]
pub fn in_comment(line: &str) -> Option<Vec<RowId>> {
    let list = line.trim().strip_prefix("//")?;
    let rows: Option<Vec<RowId>> = list.split_whitespace().map(RowId::parse).collect();
    rows.filter(|rows| !rows.is_empty())
}
