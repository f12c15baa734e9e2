//! An outcome as text: a head, the findings, the limits, the notes, what is left, and two lines that sum up.
//!
//! The last line begins with `left: ` in every report, so that the end of a log tells whether memory was lost.

mod finding;
mod frames;
mod head;
mod left;
mod limit;
mod row;

use crate::Style;
use crate::escape;
use crate::style::Tone;
use frames::SourceRoot;
use ntpool_finding::Outcome;

/// Writes `outcome` as text.
pub(crate) fn render(outcome: &Outcome, style: Style) -> String {
    let root = SourceRoot::of(outcome);
    let mut sections = vec![head::head(outcome)];
    sections.extend(outcome.findings.iter().map(|finding| finding::finding(finding, &root, style)));
    sections.extend(outcome.limits.iter().map(|limit| limit::limit(limit, &root, style)));
    if !outcome.notes.is_empty() {
        let note = |note: &String| row::wrapped(&format!("note: {}", escape::text(note)), style.width);
        sections.push(outcome.notes.iter().map(note).collect());
    }
    sections.extend(left::table(&outcome.left));
    sections.push(format!("{}\n{}\n", summary(outcome, style), left::line(&outcome.left)));
    sections.join("\n")
}

/// How many findings and limits there are.
fn summary(outcome: &Outcome, style: Style) -> String {
    let findings = match outcome.findings.len() {
        0 => "no findings".to_owned(),
        1 => "1 finding".to_owned(),
        n => format!("{n} findings"),
    };
    let (tone, summary) = match (outcome.findings.len(), outcome.limits.len()) {
        (0, 0) => (Tone::Good, findings),
        (0, 1) => (Tone::Warn, format!("{findings}, 1 limit")),
        (0, limits) => (Tone::Warn, format!("{findings}, {limits} limits")),
        (_, 0) => (Tone::Bad, findings),
        (_, 1) => (Tone::Bad, format!("{findings}, 1 limit")),
        (_, limits) => (Tone::Bad, format!("{findings}, {limits} limits")),
    };
    style.paint(tone, &summary)
}

#[cfg(test)]
mod tests;
