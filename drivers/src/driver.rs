//! A driver's folder: its source files, its twin's, and what is expected of it.

use crate::expected::{Expected, ReadError};
use crate::toolchain::Toolchain;
use std::fs;
use std::path::{Path, PathBuf};

/// C files that are built into one driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The image's name without its extension.
    pub name: String,
    /// The folder in which the compiler runs.
    pub dir: PathBuf,
    /// The files, relative to the folder.
    pub files: Vec<String>,
}

impl Source {
    /// The driver of `rows/` in `NAME.c` and, where it has more files, in the folder `NAME` beside it.
    pub fn observer(name: &str) -> Result<Source, ReadError> {
        let dir = folder().join("rows");
        let mut files = vec![format!("{name}.c"), "../support/cookie.c".to_owned()];
        let others = dir.join(name);
        if others.is_dir() {
            files.extend(file_names(&others)?.iter().map(|file| format!("{name}/{file}")));
        }
        Ok(Source { name: name.to_owned(), dir, files })
    }

    /// The driver of `races/` in `NAME.c`.
    #[must_use]
    pub fn race(name: &str) -> Source {
        let files = vec![format!("{name}.c"), "../support/cookie.c".to_owned()];
        Source { name: name.to_owned(), dir: folder().join("races"), files }
    }

    /// The toolchains that can build it.
    ///
    /// A file whose name ends in `-clang.c` needs the language's own structured exceptions, which GCC lacks.
    #[must_use]
    pub fn toolchains(&self) -> &'static [Toolchain] {
        match self.files.iter().any(|file| file.ends_with("-clang.c")) {
            true => &[Toolchain::Clang],
            false => &Toolchain::ALL,
        }
    }
}

/// A driver with what is expected of it, and its innocent twin.
#[derive(Clone, Debug)]
pub struct Driver {
    /// The folder's name: the rule it breaks, with a word more where several break one.
    pub name: String,
    /// The folder.
    pub dir: PathBuf,
    /// The driver's C files, relative to the folder.
    pub files: Vec<String>,
    /// The twin's C files; empty where the driver has none.
    pub twin_files: Vec<String>,
    /// What a run of the driver reports. A run of the twin reports nothing.
    pub expected: Expected,
}

impl Driver {
    /// Reads the driver in `dir`.
    ///
    /// `driver.c` belongs to the driver, `twin.c` to its twin, and every other C file to both. Both get the stack
    /// cookie's support from `support/`, unless the folder has a `cookie.c` of its own.
    pub fn read(dir: &Path) -> Result<Driver, ReadError> {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut shared: Vec<String> =
            file_names(dir)?.into_iter().filter(|file| file.ends_with(".c")).collect();
        if !shared.iter().any(|file| file == "cookie.c") {
            shared.push("../support/cookie.c".to_owned());
        }
        let mut take = |own: &str| {
            let place = shared.iter().position(|file| file == own)?;
            Some(shared.remove(place))
        };
        let (driver, twin) = (take("driver.c"), take("twin.c"));
        let with_shared = |own: Option<String>| own.into_iter().chain(shared.iter().cloned()).collect();
        let twin_files = if twin.is_some() { with_shared(twin) } else { Vec::new() };
        let files = with_shared(driver);
        let expected = Expected::read(dir, &files)?;
        Ok(Driver { name, dir: dir.to_owned(), files, twin_files, expected })
    }

    /// The driver, ready to be built as `NAME.sys`.
    #[must_use]
    pub fn source(&self) -> Source {
        Source { name: self.name.clone(), dir: self.dir.clone(), files: self.files.clone() }
    }

    /// Its twin, ready to be built as `NAME-twin.sys`.
    #[must_use]
    pub fn twin(&self) -> Option<Source> {
        let files = self.twin_files.clone();
        (!files.is_empty()).then(|| Source {
            name: format!("{}-twin", self.name),
            dir: self.dir.clone(),
            files,
        })
    }
}

/// The folder that holds the drivers.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads every driver, in the order of their names.
pub fn all() -> Result<Vec<Driver>, ReadError> {
    file_names(&folder())?
        .into_iter()
        .map(|name| folder().join(name))
        .filter(|dir| dir.join("expected.toml").exists())
        .map(|dir| Driver::read(&dir))
        .collect()
}

/// The names in a folder, sorted.
fn file_names(dir: &Path) -> Result<Vec<String>, ReadError> {
    let io = |source| ReadError::Io { path: dir.to_owned(), source };
    let mut names = fs::read_dir(dir)
        .map_err(io)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(io)?;
    names.sort();
    Ok(names)
}
