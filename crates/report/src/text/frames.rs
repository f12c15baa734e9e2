//! Stacks as rows: a label, what was running, its source line, and after the offence its circumstances.

use super::row::{columns, left_aligned, row};
use crate::escape;
use ntpool_finding::{Frame, Outcome, Role, Stack};

/// The spaces between the columns of a stack.
const GAP: usize = 3;

/// The folder that all source files of an outcome lie in, which the text leaves away.
///
/// Debug information names files as the build did, often in full; what tells them apart is enough for a reader, and
/// the JSON form has the whole name.
pub(super) struct SourceRoot(String);

impl SourceRoot {
    /// The folder shared by every file that `outcome` names.
    pub(super) fn of(outcome: &Outcome) -> SourceRoot {
        let findings = outcome.findings.iter().flat_map(|finding| &finding.stacks);
        let limits = outcome.limits.iter().flat_map(|limit| &limit.stacks);
        let files =
            findings.chain(limits).flat_map(|stack| &stack.frames).filter_map(|frame| frame.file.as_deref());
        let shared = files.map(folder).reduce(|shared, folder| {
            let same = shared.bytes().zip(folder.bytes()).take_while(|(one, other)| one == other).count();
            // The separators are ASCII, so what ends behind one is whole.
            let end = shared.as_bytes()[..same].iter().rposition(|&byte| is_separator(byte));
            &shared[..end.map_or(0, |separator| separator + 1)]
        });
        // A path that lost only its first separator would read as a relative one.
        SourceRoot(shared.filter(|&shared| shared != "/").unwrap_or_default().to_owned())
    }

    fn strip<'a>(&self, file: &'a str) -> &'a str {
        file.strip_prefix(&self.0).unwrap_or(file)
    }
}

fn is_separator(byte: u8) -> bool {
    byte == b'/' || byte == b'\\'
}

/// The part of a path up to its last separator, that included.
fn folder(path: &str) -> &str {
    &path[..path.bytes().rposition(is_separator).map_or(0, |separator| separator + 1)]
}

/// Writes stacks with their columns aligned; `circumstances` follow the first frame of the offence.
pub(super) fn rows(stacks: &[Stack], root: &SourceRoot, circumstances: Option<&str>, width: usize) -> String {
    let cells: Vec<(Role, Vec<(String, String)>)> = stacks
        .iter()
        .map(|stack| {
            (stack.role, stack.frames.iter().map(|frame| (symbol(frame), source(frame, root))).collect())
        })
        .collect();
    let frames = || cells.iter().flat_map(|(_, frames)| frames);
    let symbols = frames().map(|(symbol, _)| symbol.chars().count()).max().unwrap_or(0);
    let sources = frames().map(|(_, source)| source.chars().count()).max().unwrap_or(0);

    let mut lines = String::new();
    let mut circumstances = circumstances;
    for (role, frames) in &cells {
        let mut label = label(*role);
        for (symbol, source) in frames {
            let text = match sources {
                0 => left_aligned(symbol, symbols),
                _ => left_aligned(symbol, symbols + GAP) + &left_aligned(source, sources),
            };
            match circumstances.take_if(|_| is_offence(*role)) {
                None => lines.push_str(&row(label, &text)),
                Some(words) => {
                    let whole = format!("{text}{:GAP$}{words}", "");
                    if columns(whole.chars().count()) <= width {
                        lines.push_str(&row(label, &whole));
                    } else {
                        lines.push_str(&row(label, &text));
                        lines.push_str(&row("", words));
                    }
                }
            }
            label = "";
        }
    }
    match circumstances {
        // Nothing was running: a leak is found when the driver is gone.
        Some(words) => lines + &row(label(Role::At), words),
        None => lines,
    }
}

fn is_offence(role: Role) -> bool {
    matches!(role, Role::At | Role::Again)
}

fn label(role: Role) -> &'static str {
    match role {
        Role::Allocated => "allocated",
        Role::Freed => "freed",
        Role::At => "at",
        Role::Again => "again",
        Role::Created => "created",
    }
}

/// What was running, as well as it is known.
fn symbol(frame: &Frame) -> String {
    let place = match (&frame.module, &frame.function) {
        (Some(module), Some(function)) => {
            Some(format!("{}!{}", escape::text(module), escape::text(function)))
        }
        (None, Some(function)) => Some(escape::text(function)),
        (_, None) => None,
    };
    match (place, frame.function_offset, &frame.module, frame.offset) {
        (Some(place), Some(offset), ..) => format!("{place}+{offset}"),
        (Some(place), None, ..) => place,
        (None, _, Some(module), Some(offset)) => format!("{}+{offset}", escape::text(module)),
        (None, ..) => frame.address.to_string(),
    }
}

/// The source line, or nothing.
fn source(frame: &Frame, root: &SourceRoot) -> String {
    match (&frame.file, frame.line) {
        (None, _) => String::new(),
        (Some(file), None) => escape::text(root.strip(file)),
        (Some(file), Some(line)) => format!("{}:{line}", escape::text(root.strip(file))),
    }
}
