//! Which crate may use which: a crate stands on a floor and uses the floors below.

use crate::{Problem, Tree, code_only};
use serde::Deserialize;

/// The floors of the house, bottom to top.
const FLOORS: [&[&str]; 10] = [
    &["ntpool-types", "ntpool-abi", "ntpool-image", "ntpool-finding"],
    &["ntpool-pool"],
    &["ntpool-memory"],
    &["ntpool-dma"],
    &["ntpool-verifier"],
    &["ntpool-machine"],
    &["ntpool-host"],
    &["ntpool-driver"],
    &["ntpool", "ntpool-report"],
    &["ntpool-cli"],
];

/// Crates that may use only these of ours, whatever their floor; ground-floor crates use the words alone.
const ONLY: [(&str, &[&str]); 10] = [
    ("ntpool-types", &[]),
    ("ntpool-abi", &["ntpool-types"]),
    ("ntpool-image", &["ntpool-types"]),
    ("ntpool-finding", &["ntpool-types"]),
    // A report can be drawn wherever a finding can be read.
    ("ntpool-report", &["ntpool-finding"]),
    // The pool's other faces, beside the machine: a process's allocator, a Rust heap, a C library on that heap.
    ("ntpool-malloc", &["ntpool-types", "ntpool-pool"]),
    ("ntpool-heap", &["ntpool-types", "ntpool-pool"]),
    ("ntpool-c", &["ntpool-types", "ntpool-heap"]),
    // Beside the stack: drivers for tests, and the gates, which write pages from the tables of rules and exports.
    ("ntpool-drivers", &["ntpool-types", "ntpool-finding"]),
    ("ntpool-gates", &["ntpool-types", "ntpool-driver"]),
];

/// The crate of misbehaving drivers, and those whose tests may use it.
const TEST_SUPPORT: (&str, [&str; 2]) = ("ntpool-drivers", ["ntpool", "ntpool-cli"]);

/// Crates that run without an operating system.
const NO_STD: [&str; 8] = [
    "ntpool-types",
    "ntpool-abi",
    "ntpool-pool",
    "ntpool-memory",
    "ntpool-dma",
    "ntpool-verifier",
    "ntpool-machine",
    "ntpool-heap",
];

/// What the operating system is called by, and who may: the driver host, and the pool's faces for processes.
const OPERATING_SYSTEM: ([&str; 3], [&str; 3]) =
    (["libc", "rustix", "nix"], ["ntpool-host", "ntpool-malloc", "ntpool-c"]);

/// A crate of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder, from the root of the repository.
    pub folder: String,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
}

/// An entry of a crate's dependencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The name of the crate that is used.
    pub name: String,
    /// Whether only tests, examples and benchmarks use it.
    pub for_tests: bool,
}

/// Reads what `cargo metadata --no-deps` prints: the workspace's packages, and its root.
///
/// # Errors
/// Text that is not that.
pub fn parse(metadata: &[u8]) -> Result<(Vec<Package>, String), serde_json::Error> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<RawPackage>,
        workspace_root: String,
    }
    #[derive(Deserialize)]
    struct RawPackage {
        name: String,
        manifest_path: String,
        dependencies: Vec<RawDependency>,
    }
    #[derive(Deserialize)]
    struct RawDependency {
        name: String,
        kind: Option<String>,
    }
    let metadata: Metadata = serde_json::from_slice(metadata)?;
    let package = |raw: RawPackage| {
        let folder = raw.manifest_path.trim_end_matches("Cargo.toml").trim_end_matches('/');
        let folder = folder.strip_prefix(&metadata.workspace_root).unwrap_or(folder);
        let dependency =
            |raw: RawDependency| Dependency { name: raw.name, for_tests: raw.kind.as_deref() == Some("dev") };
        Package {
            folder: folder.trim_start_matches('/').to_owned(),
            name: raw.name,
            dependencies: raw.dependencies.into_iter().map(dependency).collect(),
        }
    };
    Ok((metadata.packages.into_iter().map(package).collect(), metadata.workspace_root.clone()))
}

/// Checks every edge between crates of the workspace, who calls the operating system, and that the crates without one say so.
#[must_use]
pub fn check(packages: &[Package], tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        if floor(name).is_none() && only(name).is_none() {
            problems.push(Problem::new(name, "has no floor: give it one in gates/src/edges.rs"));
            continue;
        }
        for dependency in &package.dependencies {
            let (calls, callers) = OPERATING_SYSTEM;
            let Dependency { name: used, for_tests } = dependency;
            if calls.contains(&used.as_str()) && !for_tests && !callers.contains(&name) {
                let callers = callers.join(", ");
                problems.push(Problem::new(
                    name,
                    format!("calls the operating system by {used}; only {callers} do"),
                ));
            }
            if packages.iter().any(|other| other.name == dependency.name)
                && let Some(what) = objection(name, dependency)
            {
                problems.push(Problem::new(name, what));
            }
        }
        let root = format!("{}/src/lib.rs", package.folder);
        let says_no_std =
            || tree.text(&root).is_some_and(|source| squeezed(&code_only(source)).contains("#![no_std]"));
        if NO_STD.contains(&name) && !says_no_std() {
            problems.push(Problem::new(root, "runs without an operating system and must say #![no_std]"));
        }
    }
    problems
}

/// What speaks against an edge between two of our crates.
fn objection(user: &str, used: &Dependency) -> Option<String> {
    let used_name = used.name.as_str();
    let (test_support, its_users) = TEST_SUPPORT;
    if used_name == test_support {
        return match (its_users.contains(&user), used.for_tests) {
            (true, true) => None,
            (true, false) => Some(format!("uses {used_name} outside its tests: make it a dev-dependency")),
            (false, _) => {
                Some(format!("uses {used_name}, which is for the tests of {}", its_users.join(" and ")))
            }
        };
    }
    if let Some(allowed) = only(user) {
        return match allowed {
            _ if allowed.contains(&used_name) => None,
            [] => Some(format!("uses {used_name} and may use no other of our crates")),
            _ => Some(format!("uses {used_name} and may use only {}", allowed.join(", "))),
        };
    }
    match (floor(user), floor(used_name)) {
        (Some(user_floor), Some(used_floor)) if used_floor < user_floor => None,
        (Some(user_floor), Some(used_floor)) => Some(format!(
            "on floor {user_floor} uses {used_name} on floor {used_floor}: only floors below may be used"
        )),
        _ => Some(format!("uses {used_name}, which stands beside the floors and is for nobody")),
    }
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

fn only(name: &str) -> Option<&'static [&'static str]> {
    ONLY.iter().find(|(user, _)| *user == name).map(|(_, allowed)| *allowed)
}

fn squeezed(code: &str) -> String {
    code.split_whitespace().collect()
}
