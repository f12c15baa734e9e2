//! The allocators of a run: chosen, found or built, and looked at before anything is timed.

use crate::arguments::{Arguments, ExtraPeer};
use crate::builder;
use crate::error::Error;
use crate::machine;
use crate::peers::{self, Peer, Source};
use crate::process;
use crate::results::{Part, Role, Subject};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// An allocator, and how it is run.
#[derive(Clone, Debug)]
pub struct Runnable {
    /// Who it is.
    pub subject: Subject,
    program: PathBuf,
    library: Option<PathBuf>,
    environment: Vec<(String, String)>,
}

impl Runnable {
    /// The process that runs a workload under this allocator.
    pub fn command(&self, workload: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env_remove("LD_PRELOAD");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(library) = &self.library {
            command.env("LD_PRELOAD", library);
        }
        if self.subject.part == Part::NoStd {
            command.arg(&self.subject.name);
        }
        command.arg(workload.strip_prefix(self.subject.part.prefix()).unwrap_or(workload));
        command
    }

    /// Checks that the allocation functions of a process come from the library, which the dynamic linker leaves out with no
    /// more than a message when it can't load it.
    fn check_origin(&self) -> Result<(), Error> {
        let Some(library) = &self.library else { return Ok(()) };
        let subject = &self.subject.name;
        let failed = |how| Error::Run { subject: subject.clone(), workload: "origin".into(), how };
        let output = process::run(&mut self.command("origin"), Duration::from_secs(60)).map_err(failed)?;
        for line in output.lines() {
            let (function, file) = line.split_once(' ').unwrap_or((line, ""));
            if Path::new(file).canonicalize().ok().as_ref() != Some(library) {
                let from = if file.is_empty() { "nowhere".into() } else { file.into() };
                return Err(Error::NotBound { subject: subject.clone(), function: function.into(), from });
            }
        }
        Ok(())
    }
}

/// Finds or builds everything that serves as a process's malloc, for the parts that are wanted: ours, the peers, the
/// yardstick.
pub fn malloc(arguments: &Arguments, parts: &[Part]) -> Result<Vec<Runnable>, Error> {
    // A path that is wrong is told before minutes go into building.
    for path in arguments.ours.iter().chain(arguments.peer.iter().map(|extra| &extra.path)) {
        canonical(path)?;
    }
    eprintln!("building the workloads");
    let program = builder::program("ntpool-bench-workloads")?;
    let mut runnables = Vec::new();
    let mut add = |part, name: &str, version: String, role, library: Option<PathBuf>, environment| {
        let subject = Subject { name: name.into(), version, part, role };
        runnables.push(Runnable { subject, program: program.clone(), library, environment });
    };

    if parts.contains(&Part::Malloc) || parts.contains(&Part::Counted) {
        let (library, version) = match &arguments.ours {
            Some(path) => (canonical(path)?, format!("the library {}", file_name(path))),
            None => ours(None)?,
        };
        for part in [Part::Malloc, Part::Counted].into_iter().filter(|part| parts.contains(part)) {
            add(part, peers::OURS, version.clone(), Role::Ours, Some(library.clone()), Vec::new());
        }
    }
    if parts.contains(&Part::Counted) {
        let (library, version) = ours(Some("uncounted"))?;
        add(Part::Counted, peers::UNCOUNTED, version, Role::Yardstick, Some(library), Vec::new());
    }
    if parts.contains(&Part::Checked) {
        let (library, version) = ours(Some("checked"))?;
        add(Part::Checked, peers::OURS, version, Role::Ours, Some(library), Vec::new());
    }
    for (part, known) in [(Part::Malloc, &peers::MALLOC[..]), (Part::Checked, &peers::CHECKED)] {
        for peer in known.iter().filter(|peer| parts.contains(&part) && is_chosen(arguments, peer.name)) {
            match arguments.peer.iter().find(|extra| extra.name == peer.name) {
                Some(extra) => {
                    let (library, version) = given(extra)?;
                    add(part, peer.name, version, Role::Peer, Some(library), extra.environment.clone());
                }
                None => {
                    let (library, version) = obtain(*peer)?;
                    add(part, peer.name, version, Role::Peer, library, Vec::new());
                }
            }
        }
    }
    if parts.contains(&Part::Malloc) {
        let known = |extra: &&ExtraPeer| {
            peers::MALLOC.iter().chain(&peers::CHECKED).any(|peer| peer.name == extra.name)
        };
        for extra in arguments.peer.iter().filter(|extra| !known(extra)) {
            let (library, version) = given(extra)?;
            add(Part::Malloc, &extra.name, version, Role::Peer, Some(library), extra.environment.clone());
        }
        if arguments.floor {
            let library = canonical(&builder::floor(&program)?)?;
            add(Part::Malloc, peers::FLOOR, "bench/floor".into(), Role::Yardstick, Some(library), Vec::new());
        }
    }
    for runnable in &runnables {
        runnable.check_origin()?;
    }
    Ok(runnables)
}

/// Our library as it is shipped, or as a feature makes it, and its version.
fn ours(feature: Option<&str>) -> Result<(PathBuf, String), Error> {
    let with = feature.map(|feature| format!(", feature {feature}")).unwrap_or_default();
    eprintln!("building ours{with}");
    Ok((canonical(&builder::ours(feature)?)?, machine::own_version() + &with))
}

/// The library that the command line names, and what is known of it.
fn given(extra: &ExtraPeer) -> Result<(PathBuf, String), Error> {
    Ok((canonical(&extra.path)?, format!("the library {}", file_name(&extra.path))))
}

/// Whether a peer is to run: one that the command line gives a library for always is.
fn is_chosen(arguments: &Arguments, peer: &str) -> bool {
    arguments.peers.as_ref().is_none_or(|names| names.iter().any(|name| name == peer))
        || arguments.peer.iter().any(|extra| extra.name == peer)
}

/// Builds everything that serves as a kernel's heap.
pub fn no_std(arguments: &Arguments) -> Result<Vec<Runnable>, Error> {
    eprintln!("building the kernel heaps");
    let program = builder::program("ntpool-bench-no-std")?;
    let runnable = |name: &str, version, role| Runnable {
        subject: Subject { name: name.into(), version, part: Part::NoStd, role },
        program: program.clone(),
        library: None,
        environment: Vec::new(),
    };
    let ours = runnable(peers::OURS, machine::own_version(), Role::Ours);
    let chosen = |name: &&str| arguments.peers.as_ref().is_none_or(|names| names.iter().any(|n| n == name));
    let peers = peers::NO_STD.into_iter().filter(chosen).map(|name| {
        let version = peers::locked_version(name).unwrap_or_default();
        runnable(name, format!("{name} {version}"), Role::Peer)
    });
    Ok([ours].into_iter().chain(peers).collect())
}

/// Checks the names of peers on the command line.
pub fn check_names(arguments: &Arguments) -> Result<(), Error> {
    let known = peers::names();
    for name in arguments.peers.iter().flatten() {
        let extra = arguments.peer.iter().any(|extra| extra.name == *name);
        if !extra && !known.contains(&name.as_str()) {
            return Err(Error::Unknown { what: "peer", name: name.clone(), known });
        }
    }
    Ok(())
}

/// A peer's library, none for the C library's own, and its version.
fn obtain(peer: Peer) -> Result<(Option<PathBuf>, String), Error> {
    match peer.source {
        Source::CLibrary => Ok((None, machine::c_library())),
        Source::Installed { file, package } => {
            let way_out = format!("install it with `apt-get install {package}`");
            let missing = Error::Missing { peer: peer.name.into(), file: file.into(), way_out };
            let library = linker_folders()
                .into_iter()
                .find_map(|folder| folder.join(file).canonicalize().ok())
                .ok_or(missing)?;
            let version = machine::package_version(package)
                .map_or_else(|| file_name(&library), |version| format!("{package} {version}"));
            Ok((Some(library), version))
        }
        Source::Crate { package, feature, flags, brings, note } => {
            eprintln!("building {}", peer.name);
            let library = canonical(&builder::peer(peer.name, package, feature, flags)?)?;
            let version = peers::locked_version(brings).unwrap_or_default();
            Ok((Some(library), format!("{note}, {brings} {version}")))
        }
    }
}

/// The folders where the dynamic linker looks: those of the environment, of its configuration, and its own.
fn linker_folders() -> Vec<PathBuf> {
    const OWN: [&str; 7] = [
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
        "/lib64",
        "/usr/lib64",
        "/lib",
        "/usr/lib",
        "/usr/local/lib",
    ];
    let environment = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> =
        env::split_paths(&environment).filter(|folder| folder.is_absolute()).collect();
    let mut files: Vec<PathBuf> = fs::read_dir("/etc/ld.so.conf.d")
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.sort();
    for file in files {
        let text = fs::read_to_string(file).unwrap_or_default();
        folders.extend(text.lines().filter(|line| line.starts_with('/')).map(PathBuf::from));
    }
    folders.extend(OWN.map(PathBuf::from));
    folders
}

fn canonical(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(|source| Error::File { path: path.to_owned(), source })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_not_installed_is_an_error_that_names_the_way_out() {
        let source = Source::Installed { file: "libnobody.so.9", package: "libnobody9" };
        let error = obtain(Peer { name: "nobody", source }).expect_err("nobody has that library");
        assert_eq!(
            error.to_string(),
            "the peer nobody is not there: no libnobody.so.9; install it with `apt-get install libnobody9`, give a library \
             with --peer nobody=PATH, or choose others with --peers"
        );
    }

    #[test]
    fn the_dynamic_linkers_folders_hold_the_c_library() {
        assert!(linker_folders().iter().any(|folder| folder.join("libc.so.6").exists()));
    }
}
