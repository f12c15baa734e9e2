//! The library in the profile that is shipped, built by the tests that look at it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables that would make another library than the shipped one, or put it elsewhere.
const NOT_FOR_THE_BUILD: [&str; 8] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_TARGET_DIR",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

/// Builds the library with these features into a folder of the tests of this name; `None` for a user who may not run the
/// compiler: the suite also runs as one who may not enter the folder of the toolchain it was built with.
pub(crate) fn library(folder: &str, features: &[&str]) -> Option<PathBuf> {
    let cargo = Path::new(env!("CARGO"));
    if fs::metadata(cargo).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
        return None;
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let mut command = Command::new(cargo);
    for name in NOT_FOR_THE_BUILD {
        command.env_remove(name);
    }
    if std::env::var_os("CARGO_HOME").is_none()
        && let Some(home) = option_env!("CARGO_HOME")
    {
        command.env("CARGO_HOME", home);
    }
    command.env("RUSTC", cargo.with_file_name("rustc"));
    command.args(["build", "--quiet", "--locked", "--profile", "malloc", "--package", "ntpool-malloc"]);
    command.arg(format!("--features={}", features.join(","))).arg("--target-dir").arg(&target);
    command.arg("--manifest-path").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(target.join("malloc/libntpool_malloc.so"))
}
