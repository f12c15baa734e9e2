//! The files of the repository, in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs, io};

/// The files of a repository by their path from its root, `/` between the parts.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, Vec<u8>>,
}

impl Tree {
    /// Reads everything below `root` that version control would: what `.gitignore` names in the root is left out.
    ///
    /// # Errors
    /// A folder or file that can't be read.
    pub fn load(root: &Path) -> io::Result<Tree> {
        let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
        // Every pattern there is a path from the root; others would need a matcher that nothing else here needs.
        let ignored: Vec<&str> = ignored.lines().filter_map(|line| line.trim().strip_prefix('/')).collect();
        let mut tree = Tree::default();
        let mut folders = vec![(root.to_owned(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
                let kind = entry.file_type()?;
                if path == ".git" || ignored.contains(&path.as_str()) {
                    continue;
                } else if kind.is_dir() {
                    folders.push((entry.path(), format!("{path}/")));
                } else if kind.is_file() {
                    tree.files.insert(path, fs::read(entry.path())?);
                }
            }
        }
        Ok(tree)
    }

    /// A tree of these files, for tests.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_owned());
        Tree { files: files.iter().map(file).collect() }
    }

    /// The same tree with one more file.
    #[must_use]
    pub fn with(mut self, path: &str, bytes: &[u8]) -> Tree {
        self.files.insert(path.to_owned(), bytes.to_owned());
        self
    }

    /// Every path with its bytes, in the order of the paths.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// Every file that is UTF-8 text, in the order of the paths.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter_map(|(path, bytes)| Some((path, std::str::from_utf8(bytes).ok()?)))
    }

    /// Every Rust source file, in the order of the paths.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The text of a file, if it is there and UTF-8.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        std::str::from_utf8(self.files.get(path)?).ok()
    }
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, with its line where there is one, or the package.
    pub place: String,
    /// What is wrong there, and the way out.
    pub what: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(place: impl Into<String>, what: impl Into<String>) -> Problem {
        Problem { place: place.into(), what: what.into() }
    }

    /// A problem at a line of a file; `index` counts lines from 0.
    pub(crate) fn at(path: &str, index: usize, what: impl Into<String>) -> Problem {
        Problem::new(format!("{path}:{}", index + 1), what)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// What is wrong when a generated file is not what would be generated now.
pub(crate) fn stale(tree: &Tree, path: &str, generated: &str) -> Vec<Problem> {
    match tree.text(path) {
        Some(text) if text == generated => Vec::new(),
        Some(_) => vec![Problem::new(path, "is out of date: run `cargo run -p ntpool-gates -- write`")],
        None => vec![Problem::new(path, "is missing: run `cargo run -p ntpool-gates -- write`")],
    }
}
