//! Children with the library in them, and the C programs they run.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output, Stdio};
use std::sync::OnceLock;

/// Where programs are looked for: Debian's, not those that a developer put before them.
const SEARCH_PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// Seconds that a child may take: many times what it needs, because the machine may be busy.
const TIME_LIMIT: u32 = 300;

/// The library under test, which cargo puts beside the test.
pub(crate) fn library() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let library = test.parent().expect("it lies in a folder").join("libntpool_malloc.so");
    assert!(
        library.is_file(),
        "{} is missing: `cargo test -p ntpool-malloc` builds it together with this test",
        library.display()
    );
    library
}

/// A program that is to run with the library in it.
pub(crate) struct Program {
    command: Command,
    name: String,
}

/// What a program left when it ended.
pub(crate) struct Ended {
    pub(crate) output: Output,
    name: String,
}

impl Program {
    /// The program of this name or path.
    pub(crate) fn new(name: impl AsRef<OsStr>) -> Program {
        Program::with(&library(), name)
    }

    /// The same with this library instead of the one under test.
    pub(crate) fn with(library: &Path, name: impl AsRef<OsStr>) -> Program {
        let mut command = Command::new("timeout");
        // The limit is kept by a process without the library.
        command.args(["--kill-after=10", &TIME_LIMIT.to_string(), "env"]);
        let mut preload = std::ffi::OsString::from("LD_PRELOAD=");
        preload.push(library);
        command.arg(preload).arg(name.as_ref());
        command.env("PATH", SEARCH_PATH).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        for name in ["NTPOOL_TAGS", "NTPOOL_TAGS_SIGNAL", "LD_LIBRARY_PATH", "CARGO_TARGET_DIR", "RUSTFLAGS"]
        {
            command.env_remove(name);
        }
        Program { command, name: name.as_ref().to_string_lossy().into_owned() }
    }

    /// With these arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Program {
        self.command.args(arguments);
        self
    }

    /// With this environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Program {
        self.command.env(name, value);
        self
    }

    /// In this folder, which is its home as well.
    pub(crate) fn within(mut self, folder: &Path) -> Program {
        self.command.current_dir(folder).env("HOME", folder);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Ended {
        let output = self.command.output().expect("coreutils has timeout");
        assert_ne!(output.status.code(), Some(124), "{} took longer than {TIME_LIMIT} s", self.name);
        Ended { output, name: self.name }
    }

    /// Runs it, which must succeed; what it printed.
    pub(crate) fn prints(self) -> String {
        self.run().success().text()
    }
}

impl Ended {
    /// The same, which succeeded.
    #[track_caller]
    pub(crate) fn success(self) -> Ended {
        assert!(
            self.output.status.success(),
            "{}: {}\n{}{}",
            self.name,
            self.output.status,
            self.text(),
            self.errors()
        );
        self
    }

    /// What it printed.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// What it printed to its standard error.
    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Whether it was ended by the signal for that.
    pub(crate) fn was_aborted(&self) -> bool {
        self.output.status.code() == Some(128 + libc::SIGABRT)
            || self.output.status.signal() == Some(libc::SIGABRT)
    }
}

/// The program made of `tests/c/interface.c`.
pub(crate) fn interface() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compile("gcc", "interface.c", "interface", &["-fno-builtin", "-pthread"]))
}

/// The library made of `tests/c/library.c`.
pub(crate) fn opened_library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| compile("gcc", "library.c", "libopened.so", &["-fno-builtin", "-shared", "-fPIC"]))
}

/// A check of `tests/c/interface.c` as a program.
pub(crate) fn check(name: &str) -> Program {
    check_with(&library(), name)
}

/// The same with this library.
pub(crate) fn check_with(library: &Path, name: &str) -> Program {
    Program::with(library, interface()).args([OsStr::new(name), opened_library().as_os_str()])
}

/// The path of a C source.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name)
}

/// Compiles a source without the library in the compiler.
fn compile(compiler: &str, name: &str, result: &str, options: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = folder.join(result);
    // Renamed when complete: another test process may be about to run the last one.
    let unfinished = folder.join(format!("{result}.{}", process::id()));
    let mut command = Command::new(compiler);
    command.args([
        "-std=gnu11",
        "-O1",
        "-g",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-unused-result",
        "-Wno-use-after-free",
    ]);
    let output = command.args(options).arg(source(name)).arg("-o").arg(&unfinished).output();
    let output = output.unwrap_or_else(|error| panic!("{compiler}: {error}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&unfinished, &made).expect("both lie in one folder");
    made
}
