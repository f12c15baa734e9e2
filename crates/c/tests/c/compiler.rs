//! The C compiler, and where the libraries lie.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use tempfile::TempDir;

/// What every C source of this crate passes.
pub const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Werror"];

/// Which library a program is linked with.
#[derive(Clone, Copy, Debug)]
pub enum Library {
    Static,
    Shared,
}

/// A folder of this crate.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The folder where the libraries lie: the tests' own, since cargo builds all of the library's forms for them.
fn libraries() -> PathBuf {
    let mut folder = env::current_exe().expect("a test has a path");
    folder.pop();
    folder
}

/// Compiles a source with the library, and gives what the program prints and the status with which it ends.
pub fn run(source: &Path, library: Library) -> (String, i32) {
    let scratch = TempDir::new().expect("there is room for temporary files");
    let program = scratch.path().join("program");
    let mut compiler = Command::new("gcc");
    compiler
        .arg("-std=c99")
        .args(WARNINGS)
        .arg("-I")
        .arg(folder("include"))
        .arg(source)
        .arg("-o")
        .arg(&program);
    match library {
        Library::Static => {
            compiler.arg(libraries().join("libntpool_c.a")).args(["-lpthread", "-ldl", "-lm"]);
        }
        Library::Shared => {
            // A copy alone in its folder: beside other builds' leftovers the linker might find another.
            fs::copy(libraries().join("libntpool_c.so"), scratch.path().join("libntpool_c.so"))
                .expect("cargo builds the shared library for the tests");
            compiler.arg("-L").arg(scratch.path()).arg("-lntpool_c");
        }
    }
    succeed(&mut compiler);
    let output = Command::new(&program)
        .env("LD_LIBRARY_PATH", scratch.path())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{library:?}");
    let text = String::from_utf8(output.stdout).expect("the programs print ASCII");
    (text, output.status.code().expect("no signal ends them"))
}

/// Runs a compiler that must find nothing to complain about.
#[track_caller]
pub fn succeed(compiler: &mut Command) {
    let output = compiler.output().unwrap_or_else(|error| panic!("{compiler:?}: {error}"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{compiler:?}\n{complaints}");
}
