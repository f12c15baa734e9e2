//! The gate for edges lets the house through and stops what leans the wrong way.

use ntpool_gates::edges::{Dependency, Package, check, parse};
use ntpool_gates::{Problem, Tree};

const NO_STD: &str = "//! x\n#![no_std]\n";

fn package(name: &str, uses: &[(&str, bool)]) -> Package {
    let dependency =
        |(name, for_tests): &(&str, bool)| Dependency { name: (*name).into(), for_tests: *for_tests };
    Package {
        name: name.into(),
        folder: format!("crates/{}", name.trim_start_matches("ntpool-")),
        dependencies: uses.iter().map(dependency).collect(),
    }
}

/// The house with one more edge.
fn problems(user: &str, used: &str, for_tests: bool) -> Vec<Problem> {
    let names = [
        "ntpool-types",
        "ntpool-abi",
        "ntpool-image",
        "ntpool-finding",
        "ntpool-pool",
        "ntpool-memory",
        "ntpool-verifier",
        "ntpool-machine",
        "ntpool-host",
        "ntpool-driver",
        "ntpool",
        "ntpool-report",
        "ntpool-cli",
        "ntpool-drivers",
        "ntpool-gates",
    ];
    let edge = [(used, for_tests)];
    let packages: Vec<Package> =
        names.iter().map(|name| package(name, if *name == user { &edge } else { &[] })).collect();
    let mut tree = Tree::default();
    for name in ["types", "abi", "pool", "memory", "verifier", "machine"] {
        tree = tree.with(&format!("crates/{name}/src/lib.rs"), NO_STD.as_bytes());
    }
    check(&packages, &tree)
}

#[test]
fn edges_downwards_are_allowed() {
    for (user, used) in [
        ("ntpool-cli", "ntpool"),
        ("ntpool-cli", "ntpool-report"),
        ("ntpool", "ntpool-types"),
        ("ntpool-pool", "ntpool-abi"),
        ("ntpool-report", "ntpool-finding"),
        ("ntpool-gates", "ntpool-types"),
        ("ntpool-image", "ntpool-types"),
        ("ntpool-pool", "bitflags"),
    ] {
        for for_tests in [false, true] {
            assert_eq!(problems(user, used, for_tests), [], "{user} uses {used}");
        }
    }
}

#[test]
fn edges_upwards_sideways_and_out_of_the_ground_floor_are_not() {
    for (user, used, what) in [
        (
            "ntpool-pool",
            "ntpool-memory",
            "on floor 1 uses ntpool-memory on floor 2: only floors below may be used",
        ),
        (
            "ntpool-machine",
            "ntpool-host",
            "on floor 5 uses ntpool-host on floor 6: only floors below may be used",
        ),
        (
            "ntpool",
            "ntpool-report",
            "on floor 8 uses ntpool-report on floor 8: only floors below may be used",
        ),
        ("ntpool-report", "ntpool-types", "uses ntpool-types and may use only ntpool-finding"),
        ("ntpool-abi", "ntpool-image", "uses ntpool-image and may use only ntpool-types"),
        ("ntpool-types", "ntpool-abi", "uses ntpool-abi and may use no other of our crates"),
        ("ntpool-gates", "ntpool-pool", "uses ntpool-pool and may use only ntpool-types, ntpool-driver"),
        ("ntpool-cli", "ntpool-gates", "uses ntpool-gates, which stands beside the floors and is for nobody"),
    ] {
        for for_tests in [false, true] {
            assert_eq!(problems(user, used, for_tests), [Problem::new(user, what)]);
        }
    }
}

#[test]
fn misbehaving_drivers_are_for_the_tests_of_the_upper_floors() {
    assert_eq!(problems("ntpool", "ntpool-drivers", true), []);
    assert_eq!(problems("ntpool-cli", "ntpool-drivers", true), []);
    for (user, for_tests) in [("ntpool", false), ("ntpool-driver", true), ("ntpool-gates", true)] {
        assert_eq!(problems(user, "ntpool-drivers", for_tests).len(), 1, "{user}");
    }
}

#[test]
fn the_host_alone_calls_the_operating_system_for_drivers() {
    assert_eq!(problems("ntpool-host", "libc", false), []);
    assert_eq!(problems("ntpool-machine", "libc", true), [], "tests may");
    let only = "calls the operating system by libc; only ntpool-host, ntpool-malloc, ntpool-c do";
    for user in ["ntpool-machine", "ntpool-driver", "ntpool", "ntpool-cli"] {
        assert_eq!(problems(user, "libc", false), [Problem::new(user, only)]);
    }
}

#[test]
fn a_crate_without_a_floor_is_told() {
    let problems = check(&[package("ntpool-common", &[])], &Tree::default());
    assert_eq!(problems[0].to_string(), "ntpool-common: has no floor: give it one in gates/src/edges.rs");
}

#[test]
fn a_crate_for_kernels_says_no_std_in_its_code() {
    let pool = [package("ntpool-pool", &[])];
    let with = |source: &str| check(&pool, &Tree::of(&[("crates/pool/src/lib.rs", source)]));
    assert_eq!(with(NO_STD), []);
    assert_eq!(with("//! #![no_std]\n").len(), 1, "a comment says nothing to the compiler");
    assert_eq!(with("#![cfg_attr(not(test), no_std)]").len(), 1);
    assert_eq!(check(&pool, &Tree::default()).len(), 1);
}

#[test]
fn what_cargo_prints_is_understood() {
    let metadata = br#"{"packages": [{"name": "ntpool-pool", "version": "1",
        "manifest_path": "/x/crates/pool/Cargo.toml", "dependencies": [
            {"name": "ntpool-types", "kind": null, "req": "*"},
            {"name": "proptest", "kind": "dev"}, {"name": "cc", "kind": "build"}]}],
        "workspace_root": "/x"}"#;
    let uses = [("ntpool-types", false), ("proptest", true), ("cc", false)];
    assert_eq!(parse(metadata).unwrap(), (vec![package("ntpool-pool", &uses)], "/x".to_owned()));
}
