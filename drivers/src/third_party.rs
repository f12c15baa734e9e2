//! Drivers that others wrote, fetched when a test wants them.
//!
//! `third-party/manifest.toml` names each driver, the Python package whose wheel brings it along, and the hashes of
//! both. pip downloads the wheel into a cache; nothing is used whose hash is not the one in the manifest, so a
//! cache that was damaged or filled by hand is safe too.

use crate::driver::folder;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// A driver that others wrote.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThirdParty {
    /// Its file name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// The Python package that brings it along.
    pub package: String,
    /// That package's version.
    pub version: String,
    /// The file name of that package's wheel.
    pub wheel: String,
    /// The wheel's SHA-256 in hexadecimal.
    pub wheel_sha256: String,
    /// The platform that the wheel is for, if it is not for all.
    #[serde(default)]
    pub platform: Option<String>,
    /// The file in the wheel that is the driver or has it inside.
    pub member: String,
    /// The driver's name in that file, if it is a Windows installer package.
    #[serde(default)]
    pub packed: Option<String>,
    /// The driver's length in bytes.
    pub size: usize,
    /// The driver's SHA-256 in hexadecimal.
    pub sha256: String,
}

/// Why a driver could not be fetched.
#[derive(Debug)]
pub enum FetchError {
    /// The manifest has no driver of this name.
    Unknown {
        /// The name.
        name: String,
    },
    /// The manifest can't be read.
    Manifest {
        /// What is wrong.
        message: String,
    },
    /// A file or a folder of the cache can't be used.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The wheel was not in the cache and could not be downloaded.
    Download {
        /// The driver.
        driver: Box<ThirdParty>,
        /// Where the wheel would be taken from, if it were there.
        wheel: PathBuf,
        /// What pip said.
        reason: String,
    },
    /// The wheel, or the installer package in it, could not be unpacked.
    Unpack {
        /// The wheel.
        wheel: PathBuf,
        /// What Python said.
        reason: String,
    },
    /// A file is not the one that the manifest means.
    Hash {
        /// The file.
        path: PathBuf,
        /// The SHA-256 that the manifest gives.
        expected: String,
        /// The SHA-256 that it has.
        found: String,
    },
    /// The member of the wheel does not hold the driver.
    Missing {
        /// The driver.
        driver: Box<ThirdParty>,
    },
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::Unknown { name } => write!(f, "{name} is not in third-party/manifest.toml"),
            FetchError::Manifest { message } => write!(f, "third-party/manifest.toml: {message}"),
            FetchError::Io { path, source } => write!(f, "{}: {source}", path.display()),
            FetchError::Download { driver, wheel, reason } => write!(
                f,
                "{} {}, which has {} inside, could not be downloaded: {}\n\
                 to provide it by hand, put the wheel (SHA-256 {}) at {}",
                driver.package,
                driver.version,
                driver.name,
                reason.trim_end(),
                driver.wheel_sha256,
                wheel.display()
            ),
            FetchError::Unpack { wheel, reason } => {
                write!(f, "{} could not be unpacked: {}", wheel.display(), reason.trim_end())
            }
            FetchError::Hash { path, expected, found } => write!(
                f,
                "{} has the SHA-256 {found} instead of {expected}; remove it to have it fetched again",
                path.display()
            ),
            FetchError::Missing { driver } => {
                write!(f, "{} in {} does not hold {}", driver.member, driver.wheel, driver.name)
            }
        }
    }
}

impl std::error::Error for FetchError {}

/// Every driver in the manifest.
pub fn manifest() -> Result<Vec<ThirdParty>, FetchError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        driver: Vec<ThirdParty>,
    }
    let path = folder().join("third-party").join("manifest.toml");
    let text = fs::read_to_string(&path).map_err(io_at(&path))?;
    let file: File =
        toml::from_str(&text).map_err(|error| FetchError::Manifest { message: error.to_string() })?;
    Ok(file.driver)
}

/// The folder in which fetched drivers are kept between runs; git ignores it.
#[must_use]
pub fn cache() -> PathBuf {
    let repository = folder().parent().map_or_else(folder, Path::to_owned);
    repository.join(".cache").join("third-party")
}

/// Returns the path of the driver `name`, after downloading it into `cache_dir` if it is not there yet.
pub fn fetch(name: &str, cache_dir: &Path) -> Result<PathBuf, FetchError> {
    let driver = manifest()?
        .into_iter()
        .find(|driver| driver.name == name)
        .ok_or_else(|| FetchError::Unknown { name: name.to_owned() })?;
    fs::create_dir_all(cache_dir).map_err(io_at(cache_dir))?;
    let path = cache_dir.join(&driver.name);
    if path.exists() {
        check(&path, &driver.sha256)?;
        return Ok(path);
    }
    let scratch = Scratch::new(cache_dir)?;
    let wheel = wheel_of(&driver, cache_dir, &scratch.0)?;
    let image = extract(&driver, &wheel, &scratch.0)?;
    // Written aside and renamed, so that another process sees all of it or nothing.
    let aside = scratch.0.join(&driver.name);
    fs::write(&aside, image).map_err(io_at(&aside))?;
    fs::rename(&aside, &path).map_err(io_at(&path))?;
    Ok(path)
}

/// The driver's wheel, from the cache or else from the package index.
fn wheel_of(driver: &ThirdParty, cache_dir: &Path, scratch: &Path) -> Result<PathBuf, FetchError> {
    let wheel = cache_dir.join(&driver.wheel);
    if !wheel.exists() {
        let pip = Command::new("python3")
            .args(["-m", "pip", "download", "--disable-pip-version-check"])
            .args(["--no-deps", "--only-binary=:all:", "--dest"])
            .arg(scratch)
            // A wheel for another platform comes for any version of Python that it is for.
            .args(
                driver
                    .platform
                    .iter()
                    .flat_map(|platform| ["--python-version", "3.13", "--platform", platform]),
            )
            .arg(format!("{}=={}", driver.package, driver.version))
            .output();
        let failed = |reason: String| FetchError::Download {
            driver: Box::new(driver.clone()),
            wheel: wheel.clone(),
            reason,
        };
        let output = pip.map_err(|error| failed(format!("python3 could not be run: {error}")))?;
        let fetched = scratch.join(&driver.wheel);
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        if !fetched.exists() {
            return Err(failed(format!("pip did not bring {}", driver.wheel)));
        }
        check(&fetched, &driver.wheel_sha256)?;
        fs::rename(&fetched, &wheel).map_err(io_at(&wheel))?;
    }
    check(&wheel, &driver.wheel_sha256)?;
    Ok(wheel)
}

/// The driver's bytes, out of its wheel.
fn extract(driver: &ThirdParty, wheel: &Path, scratch: &Path) -> Result<Vec<u8>, FetchError> {
    let failed = |reason: String| FetchError::Unpack { wheel: wheel.to_owned(), reason };
    let output = Command::new("python3")
        .args(["-m", "zipfile", "-e"])
        .args([wheel, scratch])
        .output()
        .map_err(|error| failed(format!("python3 could not be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let mut member = scratch.join(&driver.member);
    if let Some(packed) = &driver.packed {
        let unpacked = scratch.join(packed);
        let output = Command::new("python3")
            .arg(folder().join("third-party").join("unpack_msi.py"))
            .args([member.as_path(), Path::new(packed), &unpacked])
            .output()
            .map_err(|error| failed(format!("python3 could not be run: {error}")))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        member = unpacked;
    }
    let bytes = fs::read(&member).map_err(io_at(&member))?;
    find_image(&bytes, driver.size, &driver.sha256)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| FetchError::Missing { driver: Box::new(driver.clone()) })
}

/// The `size` bytes from some "MZ" on that have this hash.
fn find_image<'a>(bytes: &'a [u8], size: usize, sha256: &str) -> Option<&'a [u8]> {
    bytes.windows(size).find(|image| image.starts_with(b"MZ") && hash(image) == sha256)
}

fn check(path: &Path, expected: &str) -> Result<(), FetchError> {
    let found = hash(&fs::read(path).map_err(io_at(path))?);
    if found == expected {
        return Ok(());
    }
    Err(FetchError::Hash { path: path.to_owned(), expected: expected.to_owned(), found })
}

/// The SHA-256 of some bytes, in hexadecimal.
fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> FetchError + use<> {
    let path = path.to_owned();
    |source| FetchError::Io { path, source }
}

/// A folder of one fetch, removed with everything in it when the fetch is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path) -> Result<Scratch, FetchError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!(".fetch-{}-{number}", std::process::id()));
        fs::create_dir(&path).map_err(io_at(&path))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: a leftover is ignored by later fetches, which have other names.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_found_where_its_bytes_are_embedded() {
        let image = b"MZ and what follows";
        let hash = hash(image);
        let host = [&b"MZ is not always an image. "[..], image, b" and a tail"].concat();
        assert_eq!(find_image(&host, image.len(), &hash), Some(&image[..]));
        assert_eq!(find_image(&host[..30], image.len(), &hash), None);
    }

    #[test]
    fn the_manifest_gives_every_driver_two_whole_hashes() {
        for driver in manifest().expect("readable") {
            for hash in [&driver.sha256, &driver.wheel_sha256] {
                assert_eq!(hash.len(), 64, "{}", driver.name);
                assert!(hash.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)), "{hash}");
            }
        }
    }

    #[test]
    fn a_name_that_is_not_in_the_manifest_is_refused() {
        let error = fetch("nobody.sys", Path::new("unused")).expect_err("refused");
        assert!(matches!(error, FetchError::Unknown { .. }), "{error}");
    }

    #[test]
    fn a_damaged_driver_in_the_cache_is_not_handed_out() {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let driver = &manifest().expect("readable")[0];
        fs::write(cache.path().join(&driver.name), b"MZ").expect("writable");
        let error = fetch(&driver.name, cache.path()).expect_err("refused");
        assert!(matches!(error, FetchError::Hash { .. }), "{error}");
    }

    #[test]
    fn a_wheel_that_is_not_the_expected_one_is_not_unpacked() {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let driver = &manifest().expect("readable")[0];
        fs::write(cache.path().join(&driver.wheel), b"PK").expect("writable");
        let error = fetch(&driver.name, cache.path()).expect_err("refused");
        assert!(matches!(error, FetchError::Hash { .. }), "{error}");
    }
}
