//! The page that says which row of the specification is held by which test.
//!
//! A test cites rows in its name and in a comment directly above its attribute; a misbehaving driver cites them as
//! `rows = [..]` in its `expected.toml`. What no test can hold is in `gates/row-notes.toml`, with the reason.

use crate::rows::{self, CHAPTERS, Marker, Row, RowId};
use crate::tree::stale;
use crate::{Problem, Tree, code_only};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The generated page.
pub const PATH: &str = "docs/coverage.md";

/// The rows that no test holds, and why.
pub const NOTES: &str = "gates/row-notes.toml";

/// Compares the page with what would be generated now.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Problem> {
    match generate(tree) {
        Ok(page) => stale(tree, PATH, &page),
        Err(problems) => problems,
    }
}

/// A row without a test.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    id: String,
    state: NoteState,
    reason: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum NoteState {
    #[serde(rename = "advice")]
    Advice,
    #[serde(rename = "not applicable by design")]
    NotApplicable,
    /// Not held yet, because another part must come first; the reason says which.
    #[serde(rename = "waits")]
    Waits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Notes {
    #[serde(default)]
    row: Vec<Note>,
}

/// A test that cites rows.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Test {
    path: String,
    name: String,
}

/// What is known about a row.
enum State<'a> {
    Held(&'a BTreeSet<Test>),
    OurChoice(&'a BTreeSet<Test>),
    Noted(&'a Note),
    Open,
}

/// Writes the page.
///
/// # Errors
/// Citations and notes of rows that do not exist, notes about rows that a test holds, and files that can't be read.
pub fn generate(tree: &Tree) -> Result<String, Vec<Problem>> {
    let rows = rows::load(tree)?;
    let mut problems = Vec::new();
    let known: BTreeSet<RowId> = rows.iter().map(|row| row.id).collect();
    let tests = citations(tree, &known, &mut problems);
    let notes = notes(tree, &known, &tests, &mut problems);
    if problems.is_empty() { Ok(page(&rows, &tests, &notes)) } else { Err(problems) }
}

/// The tests that cite each row.
fn citations(
    tree: &Tree,
    known: &BTreeSet<RowId>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<RowId, BTreeSet<Test>> {
    let mut tests: BTreeMap<RowId, BTreeSet<Test>> = BTreeMap::new();
    let mut cite = |row: RowId, place: String, path: &str, name: &str| {
        if known.contains(&row) {
            tests.entry(row).or_default().insert(Test { path: path.to_owned(), name: name.to_owned() });
        } else {
            problems.push(Problem::new(place, format!("{name} cites {row}, which is no row")));
        }
    };
    for (path, source) in tree.rust() {
        for (line, name, rows) in cited_in_source(source) {
            for row in rows {
                cite(row, format!("{path}:{}", line + 1), path, name);
            }
        }
    }
    let mut malformed = Vec::new();
    for (path, text) in tree.texts() {
        let Some(folder) = path.strip_prefix("drivers/").and_then(|path| path.strip_suffix("/expected.toml"))
        else {
            continue;
        };
        match cited_by_driver(text) {
            Ok(rows) => rows.into_iter().for_each(|row| cite(row, path.to_owned(), path, folder)),
            Err(what) => malformed.push(Problem::new(path, what)),
        }
    }
    problems.extend(malformed);
    tests
}

/// The tests of a source file that cite rows: the line of the attribute, the name, the rows.
fn cited_in_source(source: &str) -> Vec<(usize, &str, Vec<RowId>)> {
    let code = code_only(source);
    let code: Vec<&str> = code.lines().collect();
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    for attribute in (0..code.len()).filter(|&line| code[line].trim() == "#[test]") {
        let Some(name) = code[attribute..].iter().zip(&lines[attribute..]).find_map(|(code, line)| {
            // The blanked line tells that this is code, the line itself has the name.
            code.contains("fn ").then(|| function_name(line)).flatten()
        }) else {
            continue;
        };
        let above = lines[..attribute].iter().rev().take_while(|line| {
            let line = line.trim();
            line.starts_with("//") || line.starts_with("#[")
        });
        let mut rows = rows::in_name(name);
        rows.extend(above.filter_map(|line| rows::in_comment(line)).flatten());
        if !rows.is_empty() {
            found.push((attribute, name, rows));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let (_, after) = line.split_once("fn ")?;
    let name = after.trim_start();
    Some(&name[..name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len())])
}

/// The rows that a driver's expectation cites.
fn cited_by_driver(text: &str) -> Result<Vec<RowId>, String> {
    #[derive(Deserialize)]
    struct Expected {
        #[serde(default)]
        rows: Vec<String>,
    }
    let expected: Expected = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let row = |id: &String| RowId::parse(id).ok_or_else(|| format!("{id:?} is no row id"));
    expected.rows.iter().map(row).collect()
}

/// The rows that no test holds, and why.
fn notes(
    tree: &Tree,
    known: &BTreeSet<RowId>,
    tests: &BTreeMap<RowId, BTreeSet<Test>>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<RowId, Note> {
    let mut notes = BTreeMap::new();
    let parsed: Notes = match toml::from_str(tree.text(NOTES).unwrap_or_default()) {
        Ok(parsed) => parsed,
        Err(error) => {
            problems.push(Problem::new(NOTES, error.message()));
            return notes;
        }
    };
    for note in parsed.row {
        let id = match RowId::parse(&note.id) {
            Some(id) if known.contains(&id) => id,
            _ => {
                problems.push(Problem::new(NOTES, format!("{} is no row", note.id)));
                continue;
            }
        };
        if note.reason.trim().is_empty() {
            problems.push(Problem::new(NOTES, format!("{id} has no reason")));
        }
        if let Some(test) = tests.get(&id).and_then(|tests| tests.first()) {
            problems.push(Problem::new(NOTES, format!("{id} is held by {}: remove the note", test.name)));
        }
        if notes.insert(id, note).is_some() {
            problems.push(Problem::new(NOTES, format!("{id} is there twice")));
        }
    }
    notes
}

/// Draws the page.
fn page(rows: &[Row<'_>], tests: &BTreeMap<RowId, BTreeSet<Test>>, notes: &BTreeMap<RowId, Note>) -> String {
    let state = |row: &Row<'_>| match (tests.get(&row.id), notes.get(&row.id)) {
        (Some(tests), _) if row.marker == Marker::Unconfirmed => State::OurChoice(tests),
        (Some(tests), _) => State::Held(tests),
        (None, Some(note)) => State::Noted(note),
        (None, None) => State::Open,
    };
    let mut page = String::from(
        "# Coverage of the specification\n\n\
         <!-- Generated by `cargo run -p ntpool-gates -- write`; do not edit. -->\n\n\
         Each row of the specification is one testable statement about the kernel. A row *holds* when a test cites it;\n\
         it is *our choice* when no source gives the fact and a test holds what we chose; *advice* is guidance to the\n\
         authors of drivers that no code can hold; *not applicable by design* says why, and what stands in its place.\n\n\
         | chapter | rows | hold | our choice | advice | not applicable | not reached yet |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
    );
    let mut table = |title: &str, rows: &[&Row<'_>]| {
        let mut counts = [0_usize; 5];
        for row in rows {
            counts[match state(row) {
                State::Held(_) => 0,
                State::OurChoice(_) => 1,
                State::Noted(note) if note.state == NoteState::Advice => 2,
                State::Noted(note) if note.state == NoteState::NotApplicable => 3,
                State::Noted(_) | State::Open => 4,
            }] += 1;
        }
        let [held, chosen, advice, absent, open] = counts;
        let line =
            format!("| {title} | {} | {held} | {chosen} | {advice} | {absent} | {open} |\n", rows.len());
        page.push_str(&line);
    };
    let chapter_rows =
        |chapter: usize| rows.iter().filter(move |row| row.id.chapter == chapter).collect::<Vec<_>>();
    for (chapter, (prefix, title)) in CHAPTERS.iter().enumerate() {
        table(&format!("{prefix}: {title}"), &chapter_rows(chapter));
    }
    table("total", &rows.iter().collect::<Vec<_>>());

    for (chapter, (prefix, title)) in CHAPTERS.iter().enumerate() {
        let _ = write!(page, "\n## {prefix}: {title}\n");
        let mut section = None;
        let mut open = Vec::new();
        for row in chapter_rows(chapter) {
            let line = match state(row) {
                State::Held(tests) => format!("| {} | holds | {} |\n", row.id, cited(tests)),
                State::OurChoice(tests) => format!("| {} | our choice | {} |\n", row.id, cited(tests)),
                State::Noted(note) if note.state == NoteState::Advice => {
                    format!("| {} | advice | {} |\n", row.id, note.reason)
                }
                State::Noted(note) if note.state == NoteState::NotApplicable => {
                    format!("| {} | not applicable by design | {} |\n", row.id, note.reason)
                }
                State::Noted(note) => format!("| {} | not reached yet | {} |\n", row.id, note.reason),
                State::Open => {
                    open.push(row.id);
                    continue;
                }
            };
            if section != Some(row.section) {
                section = Some(row.section);
                let _ = write!(
                    page,
                    "\n### {}\n\n| row | state | test or reason |\n|---|---|---|\n",
                    row.section
                );
            }
            page.push_str(&line);
        }
        if !open.is_empty() {
            let _ = write!(page, "\nnot reached yet: {}\n", ranges(&open));
        }
    }
    page
}

fn cited(tests: &BTreeSet<Test>) -> String {
    let each = |test: &Test| format!("`{}` in {}", test.name, test.path);
    tests.iter().map(each).collect::<Vec<_>>().join("<br>")
}

/// Ids in ascending order, three and more in a row as a range.
fn ranges(ids: &[RowId]) -> String {
    let mut runs: Vec<(RowId, RowId)> = Vec::new();
    for &id in ids {
        match runs.last_mut() {
            Some((_, last)) if last.chapter == id.chapter && last.number + 1 == id.number => *last = id,
            _ => runs.push((id, id)),
        }
    }
    let run = |(first, last): &(RowId, RowId)| match last.number - first.number {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    };
    runs.iter().map(run).collect::<Vec<_>>().join(", ")
}
