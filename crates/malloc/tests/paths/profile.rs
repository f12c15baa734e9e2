//! What callgrind counts in a run of `pairs.c`.

use crate::shipped::{compile, output};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Pairs in the short run and in the long one. What differs is the pairs: start-up, the first slabs and the exit are in
/// both.
const PAIRS: [u64; 2] = [1_000, 11_000];

/// Seconds that a run may take: a hundred times what it needs, because the machine may be busy.
const TIME_LIMIT: u32 = 120;

/// The pairs that are counted.
pub(crate) const COUNTED: u64 = PAIRS[1] - PAIRS[0];

/// Calls of a function, and the instructions that were executed in them, in what they call included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) count: u64,
    pub(crate) instructions: u64,
}

/// What is called in [`COUNTED`] pairs: by the program's functions from the library, and in all of the process.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    from_program: BTreeMap<String, Calls>,
    all: BTreeMap<String, Calls>,
}

impl Profile {
    /// Counts the pairs of this kind on the library.
    pub(crate) fn of(library: &Path, kind: &str) -> Profile {
        let [short, long] = PAIRS.map(|pairs| Profile::of_run(library, kind, pairs));
        long.without(&short)
    }

    /// The calls of one of the library's functions by the program.
    pub(crate) fn calls(&self, function: &str) -> Calls {
        self.from_program.get(function).copied().unwrap_or_default()
    }

    /// The calls of all functions whose name contains this, by whomever.
    pub(crate) fn calls_of_all(&self, part: &str) -> u64 {
        self.all.iter().filter(|(name, _)| name.contains(part)).map(|(_, calls)| calls.count).sum()
    }

    fn of_run(library: &Path, kind: &str, pairs: u64) -> Profile {
        let folder = tempfile::tempdir().expect("there is room for files");
        let result = folder.path().join("profile");
        let [mut preload, mut option] = ["LD_PRELOAD=", "--callgrind-out-file="].map(OsString::from);
        preload.push(library);
        option.push(&result);
        let mut command = Command::new("timeout");
        // The limit is kept by a process without the library.
        command.args(["--kill-after=10", &TIME_LIMIT.to_string(), "env"]).arg(preload);
        // Whole names, so that each line of the profile can be read by itself.
        command.args(["valgrind", "-q", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]);
        command.arg(option).arg(program()).args([kind, &pairs.to_string()]);
        for name in ["NTPOOL_TAGS", "NTPOOL_TAGS_SIGNAL", "LD_LIBRARY_PATH"] {
            command.env_remove(name);
        }
        output(&mut command);
        let text = fs::read(&result).expect("callgrind writes its profile");
        Profile::parse(&String::from_utf8_lossy(&text), library)
    }

    /// Reads callgrind's format: a function's lines follow `fn=`, a call is `cob=` if the object is another, `cfn=`,
    /// `calls=` and on the next line a position and the instructions.
    fn parse(text: &str, library: &Path) -> Profile {
        let [library, program] = [library, program()].map(Path::to_string_lossy);
        let mut profile = Profile::default();
        let [mut object, mut callee_object, mut callee] = [""; 3];
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(name) = line.strip_prefix("ob=") {
                object = name;
            } else if let Some(name) = line.strip_prefix("cob=") {
                callee_object = name;
            } else if let Some(name) = line.strip_prefix("cfn=") {
                callee = name;
            } else if let Some(call) = line.strip_prefix("calls=") {
                let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).expect(line);
                let count = number(call.split_whitespace().next());
                let instructions = number(lines.next().and_then(|line| line.split_whitespace().nth(1)));
                profile.all.entry(callee.to_string()).or_default().add(count, instructions);
                if object == program && callee_object == library {
                    profile.from_program.entry(callee.to_string()).or_default().add(count, instructions);
                }
                callee_object = "";
            }
        }
        profile
    }

    fn without(mut self, other: &Profile) -> Profile {
        for (mine, others) in [(&mut self.from_program, &other.from_program), (&mut self.all, &other.all)] {
            for (name, calls) in others {
                let mine = mine.entry(name.clone()).or_default();
                // What is done at the start only may take an instruction more or less.
                mine.count = mine.count.saturating_sub(calls.count);
                mine.instructions = mine.instructions.saturating_sub(calls.instructions);
            }
        }
        self
    }
}

impl Calls {
    fn add(&mut self, count: u64, instructions: u64) {
        self.count += count;
        self.instructions += instructions;
    }
}

/// The program made of `pairs.c`. What it calls is found before it begins.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compile("pairs.c", "pairs", &["-fno-plt", "-Wl,-z,now"]))
}
