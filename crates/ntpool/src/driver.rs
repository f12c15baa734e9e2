//! A driver to be run: its bytes, its name, and the debug information beside it.

use crate::imports::{ImportedRoutine, imported};
use ntpool_finding::DriverRecord;
use ntpool_image::{Image, ImageError};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The sample driver, with its debug information.
const SAMPLE: &[u8] = include_bytes!("../sample/sample.sys");

/// The largest file that is read: more than any driver, and less than what would hurt.
const LARGEST_FILE: u64 = 256 << 20;

/// Why a file can't be run as a driver.
#[derive(Debug)]
pub enum DriverError {
    /// The file can't be read.
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// The file is larger than any driver.
    TooLarge {
        /// Its path.
        path: PathBuf,
    },
    /// The file is no image of a 64-bit Windows driver.
    Image {
        /// Its path or name.
        path: PathBuf,
        /// What is wrong with it.
        cause: ImageError,
    },
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DriverError::Unreadable { path, cause } => write!(f, "cannot read {}: {cause}", path.display()),
            DriverError::TooLarge { path } => {
                write!(f, "{} is no driver: it is larger than {LARGEST_FILE} bytes", path.display())
            }
            DriverError::Image { path, cause } => write!(f, "cannot load {}: {cause}", path.display()),
        }
    }
}

impl std::error::Error for DriverError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DriverError::Unreadable { cause, .. } => Some(cause),
            DriverError::Image { cause, .. } => Some(cause),
            DriverError::TooLarge { .. } => None,
        }
    }
}

/// A file's bytes, or `None` when there are too many.
///
/// What a file says of its length is not enough: a device or a pipe says nothing and may never end.
fn read(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > LARGEST_FILE {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= LARGEST_FILE).then_some(bytes))
}

/// A driver whose image has been checked: it can be loaded.
#[derive(Clone, Debug)]
pub struct Driver {
    pub(crate) name: String,
    /// How to name it in a command that repeats a run; `None` for the embedded sample.
    pub(crate) path: Option<String>,
    pub(crate) image: Image,
    pub(crate) symbols: Option<Vec<u8>>,
}

impl Driver {
    /// The driver in a file, with the `.pdb` beside it, if there is one.
    ///
    /// # Errors
    /// When the file can't be read or is no image of a 64-bit Windows driver.
    pub fn from_file(path: &Path) -> Result<Driver, DriverError> {
        let unreadable = |cause| DriverError::Unreadable { path: path.to_owned(), cause };
        let bytes =
            read(path).map_err(unreadable)?.ok_or_else(|| DriverError::TooLarge { path: path.to_owned() })?;
        let image =
            Image::parse(bytes).map_err(|cause| DriverError::Image { path: path.to_owned(), cause })?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let symbols = read(&path.with_extension("pdb")).ok().flatten();
        Ok(Driver { name, path: Some(path.to_string_lossy().into_owned()), image, symbols })
    }

    /// The driver in memory, under this file name, perhaps with its program database.
    ///
    /// # Errors
    /// When the bytes are no image of a 64-bit Windows driver.
    pub fn from_bytes(name: &str, bytes: Vec<u8>, symbols: Option<Vec<u8>>) -> Result<Driver, DriverError> {
        let image = Image::parse(bytes).map_err(|cause| DriverError::Image { path: name.into(), cause })?;
        Ok(Driver { name: name.to_owned(), path: Some(name.to_owned()), image, symbols })
    }

    /// The sample driver that ntpool brings along: a small one with three planted faults.
    ///
    /// # Panics
    /// Never: the tests load the sample.
    #[must_use]
    pub fn sample() -> Driver {
        let image = Image::parse(SAMPLE.to_vec()).expect("the sample is a driver");
        Driver { name: "sample.sys".to_owned(), path: None, image, symbols: None }
    }

    /// The image's file name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the embedded sample.
    #[must_use]
    pub fn is_sample(&self) -> bool {
        self.path.is_none()
    }

    /// Every routine that the driver imports, in the order of its import table.
    #[must_use]
    pub fn imports(&self) -> Vec<ImportedRoutine> {
        self.image.imports().iter().map(imported).collect()
    }

    /// What an outcome says of the driver.
    pub(crate) fn record(&self) -> DriverRecord {
        let digest = Sha256::digest(self.image.file());
        DriverRecord {
            name: self.name.clone(),
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            embedded: self.is_sample(),
        }
    }
}
