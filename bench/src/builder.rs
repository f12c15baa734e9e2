//! Building what is measured, with cargo and the C compiler.

use crate::error::Error;
use crate::process;
use serde::Deserialize;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The benchmark's folder.
pub fn bench() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The project's folder.
pub fn project() -> PathBuf {
    bench().parent().map_or_else(bench, Path::to_owned)
}

/// What cargo is to build.
struct Order<'a> {
    manifest: PathBuf,
    profile: &'a str,
    package: &'a str,
    feature: Option<&'a str>,
    /// What its C and C++ are compiled with, besides.
    flags: &'a str,
}

/// The programs that run the workloads.
pub fn program(package: &str) -> Result<PathBuf, Error> {
    let manifest = bench().join("Cargo.toml");
    let order = Order { manifest, profile: "measured", package, feature: None, flags: "" };
    let way_out = "the messages above say why".to_owned();
    order.build(|artifact| artifact.executable.clone())?.ok_or(Error::Build { what: package.into(), way_out })
}

/// A peer's library, under a name of its own: two may come from one package.
pub fn peer(name: &str, package: &str, feature: Option<&str>, flags: &str) -> Result<PathBuf, Error> {
    let manifest = bench().join("Cargo.toml");
    let order = Order { manifest, profile: "measured", package, feature, flags };
    let way_out = format!(
        "it needs a compiler for C and C++ (apt-get install gcc g++); or give a library with --peer {name}=PATH, or choose \
         others with --peers"
    );
    let missing = Error::Build { what: format!("the peer {name}"), way_out };
    let built = order.build(|artifact| artifact.library())?.ok_or(missing)?;
    let copy = built.with_file_name(format!("peer-{name}.so"));
    fs::copy(&built, &copy).map_err(|source| Error::File { path: copy.clone(), source })?;
    Ok(copy)
}

/// The project's own library as it is shipped, or as a feature makes it.
pub fn ours(feature: Option<&str>) -> Result<PathBuf, Error> {
    let manifest = project().join("Cargo.toml");
    let order = Order { manifest, profile: "malloc", package: "ntpool-malloc", feature, flags: "" };
    let way_out = "the messages above say why; another library may be given with --ours PATH".to_owned();
    let missing = Error::Build { what: "the project's library".into(), way_out };
    order.build(|artifact| artifact.library())?.ok_or(missing)
}

/// The yardstick's library, built beside the given file.
pub fn floor(beside: &Path) -> Result<PathBuf, Error> {
    const FLAGS: [&str; 7] = [
        "-O3",
        "-fPIC",
        "-shared",
        "-fno-builtin-malloc",
        "-fno-builtin-calloc",
        "-fno-builtin-free",
        "-fvisibility=hidden",
    ];
    let library = beside.with_file_name("floor.so");
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(&compiler);
    command.args(FLAGS).arg(bench().join("floor/floor.c")).arg("-o").arg(&library);
    let way_out = "it needs a C compiler: apt-get install gcc, or leave --floor away".to_owned();
    let missing = Error::Build { what: "the yardstick".into(), way_out };
    process::visible(&mut command)?.ok_or(missing)?;
    Ok(library)
}

/// A line of cargo's messages, as far as it is of use.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

impl Message {
    fn library(&self) -> Option<PathBuf> {
        self.filenames.iter().find(|file| file.extension().is_some_and(|name| name == "so")).cloned()
    }
}

impl Order<'_> {
    /// Where cargo builds by itself.
    fn target(&self) -> PathBuf {
        let beside = || self.manifest.with_file_name("target");
        env::var_os("CARGO_TARGET_DIR").map_or_else(beside, PathBuf::from)
    }

    /// Builds the package; gives the file that `choose` finds among its artifacts, or none when it did not build.
    fn build(&self, choose: impl Fn(&Message) -> Option<PathBuf>) -> Result<Option<PathBuf>, Error> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command
            .args(["build", "--quiet", "--message-format", "json-render-diagnostics"])
            .args(["--profile", self.profile, "--package", self.package])
            .arg("--manifest-path")
            .arg(&self.manifest);
        for flags in ["CFLAGS", "CXXFLAGS"] {
            // What the makers of an allocator's own library say, and crates leave out: no assertions, and threads' storage
            // that is found with a move instead of a call. Without the two, snmalloc takes twice the time for a pair.
            let given = env::var(flags).unwrap_or_default();
            command.env(flags, format!("{given} -DNDEBUG -ftls-model=initial-exec {}", self.flags));
        }
        if let Some(feature) = self.feature {
            // A folder of its own: libraries of one package have one name, whatever their features, and this one must not
            // take the place of one that is about to be measured.
            command.args(["--features", feature]).arg("--target-dir").arg(self.target().join(feature));
        }
        let output = process::visible(&mut command)?;
        Ok(output.and_then(|messages| find(&messages, self.package, choose)))
    }
}

/// The file that `choose` finds among the artifacts of a package.
fn find(messages: &str, package: &str, choose: impl Fn(&Message) -> Option<PathBuf>) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact" && is_of(&message.package_id, package))
        .find_map(|message| choose(&message))
}

/// Whether a package id is that of a package: `path+file:///folder#name@version`, without the name where the folder has it.
fn is_of(id: &str, package: &str) -> bool {
    let Some((source, fragment)) = id.rsplit_once('#') else { return false };
    match fragment.split_once('@') {
        Some((name, _)) => name == package,
        None => source.rsplit('/').next() == Some(package),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_of_a_package_is_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","package_id":"path+file:///p/other#0.1.0","filenames":["a/libother.so"]}"#,
            "\n",
            r#"{"reason":"build-script-executed","package_id":"path+file:///p#peer@0.1.0"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","package_id":"path+file:///p#peer@0.1.0","filenames":["a/libpeer.rlib","a/libpeer.so"],"executable":null}"#,
        );
        assert_eq!(find(messages, "peer", Message::library), Some("a/libpeer.so".into()));
        assert_eq!(find(messages, "other", Message::library), Some("a/libother.so".into()));
        assert_eq!(find(messages, "third", Message::library), None);
    }
}
