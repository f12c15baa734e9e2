//! Marks: comments that give a source line a name, so that an expectation survives edits above it.

use std::fs;
use std::io;
use std::path::Path;

/// A line of a driver's source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name, as the compiler was given it: relative to the driver's folder.
    pub file: String,
    /// The line in that file, from 1.
    pub line: u32,
}

/// Collects every mark in `files`, in order: `/* MARK: NAME */` at the end of a line names that line.
pub(crate) fn collect_marks(dir: &Path, files: &[String]) -> io::Result<Vec<(String, Place)>> {
    let mut marks = Vec::new();
    for file in files {
        let text = fs::read_to_string(dir.join(file))?;
        for (line, content) in (1..).zip(text.lines()) {
            if let Some(name) = mark_of(content) {
                marks.push((name.to_owned(), Place { file: file.clone(), line }));
            }
        }
    }
    Ok(marks)
}

/// The name that this source line bears.
fn mark_of(line: &str) -> Option<&str> {
    let (_, name) = line.trim_end().strip_suffix("*/")?.rsplit_once("/* MARK:")?;
    Some(name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_comment_at_the_end_of_its_line() {
        assert_eq!(mark_of("    free(block); HERE(); /* MARK: CRIME */"), Some("CRIME"));
        assert_eq!(mark_of("    free(block); /* MARK: CRIME */ again();"), None);
        assert_eq!(mark_of("/* A comment about something else. */"), None);
    }
}
