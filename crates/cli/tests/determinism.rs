//! The same driver, seed and options give the same report, byte for byte, wherever the command is run.
#![forbid(unsafe_code)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use support::{command, crime, finish, folder, own};

/// The JSON of a run in a folder.
fn json(dir: &Path, driver: Option<&str>, seed: u64) -> String {
    let mut command = command();
    command.args(["run", "--quiet", "--report", "json=-", "--seed", &seed.to_string()]).args(driver);
    let run = finish(command.current_dir(dir));
    assert_eq!(run.stderr, "", "{driver:?} under seed {seed}");
    run.stdout
}

#[test]
fn the_sample_gives_the_same_bytes_from_two_folders_under_each_of_20_seeds() {
    let (one, other) = (folder(), folder());
    let mut seen = BTreeSet::new();
    for seed in 0..20 {
        let first = json(one.path(), None, seed);
        assert_eq!(first, json(other.path(), None, seed), "seed {seed}");
        assert!(first.contains(&format!("\"seed\": \"{seed:#x}\"")), "{first}");
        seen.insert(first);
    }
    assert_eq!(seen.len(), 20, "the seed is part of the report");
}

#[test]
fn copies_of_a_driver_under_the_same_relative_path_give_the_same_bytes() {
    let (built, one, other) = (folder(), folder(), folder());
    let images = [
        crime("pool.double-free", built.path()),
        crime("memory.access-violation", built.path()),
        crime("stack.overflow", built.path()),
        crime("clean", built.path()),
        own("rubbish", built.path()),
    ];
    for image in images {
        let name = image.file_name().and_then(|name| name.to_str()).expect("a name");
        let relative = format!("out/{name}");
        for dir in [one.path(), other.path()] {
            fs::create_dir_all(dir.join("out")).expect("writable");
            fs::copy(&image, dir.join(&relative)).expect("copied");
        }
        for seed in [1, 2, u64::MAX] {
            let first = json(one.path(), Some(&relative), seed);
            assert_eq!(first, json(other.path(), Some(&relative), seed), "{relative}, seed {seed}");
            assert_eq!(first, json(one.path(), Some(&relative), seed), "{relative}, seed {seed}");
        }
    }
}
