//! The library in the build that is shipped, and the C programs beside it.

use crate::built;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::OnceLock;

/// The shipped library, built now if need be; `None` for a user who may not run the compiler.
///
/// The suite also runs as a user who may not enter the folder of the toolchain it was built with. That user would get
/// the same library, instruction by instruction.
pub(crate) fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    Some(resolved(&built::library("shipped", &[])?))
}

/// What a source beside this file is compiled to.
pub(crate) fn compile(source: &str, result: &str, options: &[&str]) -> PathBuf {
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(result);
    // Renamed when complete: another test process may be about to use the last one.
    let unfinished = made.with_extension(process::id().to_string());
    let mut command = Command::new("gcc");
    // Without -fno-builtin the compiler, which knows what malloc is, would take calls away.
    command.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-builtin"]).args(options);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/paths").join(source));
    output(command.arg("-o").arg(&unfinished));
    fs::rename(&unfinished, &made).expect("both lie in one folder");
    resolved(&made)
}

/// What a command prints, which must succeed.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [text, errors] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{command:?}: {}\n{text}{errors}", output.status);
    text.into_owned()
}

/// The path as the kernel names it in a process's map of memory, which is where callgrind has its names from.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
