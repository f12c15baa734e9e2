//! The library with all of its checks: it ends a process that damages memory, and no other.

use crate::built;
use crate::world::{Program, check_with};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The library with its feature `checked`, built now if need be; `None` for a user who may not run the compiler.
///
/// The suite also runs as a user who may not enter the folder of the toolchain it was built with.
fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    // A folder of its own: the library has the same name with and without the feature.
    LIBRARY.get_or_init(|| built::library("checked", &["checked"])).as_deref()
}

/// What a process is told that was ended.
#[track_caller]
fn dies(program: Program) -> String {
    let ended = program.run();
    assert!(ended.was_aborted(), "{}\n{}{}", ended.output.status, ended.text(), ended.errors());
    ended.errors()
}

#[test]
fn a_write_behind_a_block_ends_the_process_when_the_block_is_freed() {
    let Some(library) = library() else { return };
    let errors = dies(check_with(library, "write-behind"));
    let [address, block] = addresses(&errors, ": written to, behind the end of the block at ");
    assert_eq!(address, block + 100, "{errors}");
    assert!(errors.trim_end().ends_with(" with 100 bytes; found when it was freed"), "{errors}");
}

#[test]
fn the_end_of_a_resized_and_of_an_aligned_block_is_where_it_was_asked_for() {
    let Some(library) = library() else { return };
    for (check, size, distance) in [("write-behind-resized", 60, 60), ("write-behind-aligned", 10, 20)] {
        let errors = dies(check_with(library, check));
        let [address, block] = addresses(&errors, ": written to, behind the end of the block at ");
        assert_eq!(address, block + distance, "{errors}");
        assert!(errors.contains(&format!(" with {size} bytes; ")), "{errors}");
    }
}

#[test]
fn a_write_to_a_freed_block_ends_the_process_before_the_block_is_used_again() {
    let Some(library) = library() else { return };
    let errors = dies(check_with(library, "write-after-free"));
    let [address, block] = addresses(&errors, ": written to after the block at ");
    assert_eq!(address, block + 40, "{errors}");
    let end = " had been freed; found when it was to be handed out again";
    assert!(errors.trim_end().ends_with(end), "{errors}");
}

/// The addresses before and behind some words.
#[track_caller]
fn addresses(errors: &str, words: &str) -> [u64; 2] {
    let (before, behind) = errors.split_once(words).unwrap_or_else(|| panic!("{errors}"));
    [before.split_whitespace().last(), behind.split_whitespace().next()].map(|text| {
        let digits = text.and_then(|text| text.strip_prefix("0x")).unwrap_or_else(|| panic!("{errors}"));
        u64::from_str_radix(digits, 16).unwrap_or_else(|error| panic!("{error}: {errors}"))
    })
}

#[test]
fn programs_that_do_no_damage_run_to_their_end() {
    let Some(library) = library() else { return };
    for name in ["contents", "alignment", "errors", "free-in-another-thread", "forks-beside-threads"] {
        assert_eq!(check_with(library, name).prints(), "ok\n", "{name}");
    }
    let folder = tempfile::tempdir().expect("there is room for files");
    let script = "import json, sqlite3, threading, zlib\n\
                  data = {str(i): [i, str(i) * (i % 50)] for i in range(20000)}\n\
                  assert json.loads(json.dumps(data)) == data\n\
                  def work(): assert zlib.decompress(zlib.compress(bytes(10000))) == bytes(10000)\n\
                  threads = [threading.Thread(target=work) for _ in range(20)]\n\
                  for t in threads: t.start()\n\
                  for t in threads: t.join()\n\
                  print('done')";
    let python = Program::with(library, "python3").within(folder.path()).args(["-c", script]);
    assert_eq!(python.env("PYTHONMALLOC", "malloc").prints(), "done\n");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "pack.threads=4"];
        Program::with(library, "git").within(folder.path()).args(identity).args(arguments).prints()
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    for file in 0..100 {
        let text: String = (0..200).map(|line| format!("{}\n", line * file)).collect();
        fs::write(folder.path().join(format!("{file}.txt")), text).expect("there is room for files");
    }
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "all"]);
    git(&["gc", "--quiet"]);
    git(&["fsck", "--full", "--strict"]);
    // A prime, so of these products only the last line of the second file is it.
    assert_eq!(git(&["grep", "-c", "-w", "199"]), "1.txt:1\n");
}
