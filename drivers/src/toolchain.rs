//! The two toolchains, and how each makes a driver from C files.
//!
//! Both run in the driver's folder on relative names, so that debug information names `driver.c` and no folder of
//! the machine that built it. Both get the headers of mingw-w64 and an import library made from each of
//! `imports/ntoskrnl.def` and `imports/hal.def`. The options are those of Windows drivers: base address, relocations, no-execute, a stack
//! cookie, and debug information as the toolchain's users have it (DWARF in the image, or a PDB beside it).

use crate::discardable::mark_init;
use crate::driver::{Source, folder};
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a driver is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Toolchain {
    /// GCC and GNU ld of mingw-w64: DWARF in the image.
    Mingw,
    /// clang and lld-link, version 19: unwind tables and a PDB as Microsoft's tools make them.
    Clang,
}

impl Toolchain {
    /// Both.
    pub const ALL: [Toolchain; 2] = [Toolchain::Mingw, Toolchain::Clang];

    /// A short name, usable in a path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Toolchain::Mingw => "mingw",
            Toolchain::Clang => "clang",
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a driver could not be built.
#[derive(Debug)]
pub enum BuildError {
    /// A tool, or a header, is not installed.
    Missing {
        /// The program that was to be run, or the header.
        tool: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// A tool refused its input.
    Failed {
        /// The driver.
        driver: String,
        /// The program.
        tool: &'static str,
        /// What it printed.
        message: String,
    },
    /// A file could not be read or written.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The linker's output is not an image.
    NoImage {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Missing { tool, package } => {
                write!(f, "{tool} is not installed; it is in the Debian package {package}")
            }
            BuildError::Failed { driver, tool, message } => {
                write!(f, "{tool} could not build {driver}:\n{}", message.trim_end())
            }
            BuildError::Io { path, source } => write!(f, "{}: {source}", path.display()),
            BuildError::NoImage { path } => write!(f, "{} is not a PE image", path.display()),
        }
    }
}

impl std::error::Error for BuildError {}

/// A program with the Debian package that has it.
#[derive(Clone, Copy)]
struct Tool {
    name: &'static str,
    package: &'static str,
}

const GCC: Tool = Tool { name: "x86_64-w64-mingw32-gcc", package: "gcc-mingw-w64-x86-64" };
const DLLTOOL: Tool = Tool { name: "x86_64-w64-mingw32-dlltool", package: "binutils-mingw-w64-x86-64" };
const CLANG: Tool = Tool { name: "clang-19", package: "clang-19" };
const LLD_LINK: Tool = Tool { name: "lld-link-19", package: "lld-19" };
const LLVM_DLLTOOL: Tool = Tool { name: "llvm-dlltool-19", package: "llvm-19" };

/// Where the Debian package mingw-w64-common, which mingw-w64-x86-64-dev brings along, puts the headers.
const HEADERS: &str = "/usr/share/mingw-w64/include";

/// What both compilers are told.
const COMPILER: &[&str] = &[
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    // Tags are four characters.
    "-Wno-multichar",
    "-D_AMD64_",
    "-DNTDDI_VERSION=0x0A000000",
    "-D_WIN32_WINNT=0x0A00",
    "-I../include",
    "-ffreestanding",
    "-fstack-protector-strong",
    // A call that became a jump would drop its caller's frame from the stacks we compare.
    "-fno-optimize-sibling-calls",
    "-mno-stack-arg-probe",
];

/// Builds a driver into `OUT_DIR/TOOLCHAIN/NAME.sys` and returns that path.
///
/// clang leaves `NAME.pdb` beside it. Several threads and processes may build into one folder at once.
pub fn build(driver: &Source, toolchain: Toolchain, out_dir: &Path) -> Result<PathBuf, BuildError> {
    if !Path::new(HEADERS).join("ddk/ntddk.h").exists() {
        return Err(BuildError::Missing { tool: "ntddk.h", package: "mingw-w64-common" });
    }
    let out = out_dir.join(toolchain.name());
    fs::create_dir_all(&out).map_err(io_at(&out))?;
    // The tools run in the driver's folder, so a relative path would lead elsewhere.
    let out = out.canonicalize().map_err(io_at(&out))?;
    let scratch = Scratch::new(&out)?;
    let built = match toolchain {
        Toolchain::Mingw => build_with_mingw(driver, &scratch.0)?,
        Toolchain::Clang => build_with_clang(driver, &scratch.0)?,
    };
    let mut image = fs::read(&built).map_err(io_at(&built))?;
    if !mark_init(&mut image) {
        return Err(BuildError::NoImage { path: built });
    }
    fs::write(&built, image).map_err(io_at(&built))?;
    // The PDB first: whoever sees the image may look for it.
    for extension in ["pdb", "sys"] {
        let name = format!("{}.{extension}", driver.name);
        let from = scratch.0.join(&name);
        if from.exists() {
            let to = out.join(name);
            fs::rename(&from, &to).map_err(io_at(&to))?;
        }
    }
    Ok(out.join(format!("{}.sys", driver.name)))
}

/// Compiles and links with one call of GCC.
fn build_with_mingw(driver: &Source, scratch: &Path) -> Result<PathBuf, BuildError> {
    let libraries = import_libraries(driver, Toolchain::Mingw, scratch)?;
    let image = scratch.join(format!("{}.sys", driver.name));
    let mut gcc = Command::new(GCC.name);
    gcc.args(COMPILER)
        // Functions and lines are all that a stack needs; with the headers' types an image is three times as large.
        .args(["-gdwarf-4", "-g1", "-nostdlib", "-nostartfiles"])
        .args(["-isystem", &format!("{HEADERS}/ddk")])
        .arg(format!("-ffile-prefix-map={}=.", driver.dir.display()))
        .arg(format!("-ffile-prefix-map={HEADERS}/ddk=ddk"))
        .arg(format!("-ffile-prefix-map={HEADERS}=mingw"))
        .args(&driver.files)
        .args(&libraries)
        .args(["-Wl,--subsystem,native:10.0", "-Wl,--entry,DriverEntry"])
        .args(["-Wl,--image-base,0x140000000", "-Wl,--dynamicbase", "-Wl,--nxcompat"])
        .args(["-Wl,--file-alignment,0x200", "-Wl,--section-alignment,0x1000"])
        // The same sources give the same bytes.
        .arg("-Wl,--no-insert-timestamp")
        .arg("-o")
        .arg(&image);
    run(GCC, gcc, driver)?;
    Ok(image)
}

/// Compiles each file with clang and links with lld.
fn build_with_clang(driver: &Source, scratch: &Path) -> Result<PathBuf, BuildError> {
    let libraries = import_libraries(driver, Toolchain::Clang, scratch)?;
    let image = scratch.join(format!("{}.sys", driver.name));
    let mut objects = Vec::new();
    for (index, file) in driver.files.iter().enumerate() {
        let object = scratch.join(format!("{index}.obj"));
        let mut clang = Command::new(CLANG.name);
        clang
            .args(COMPILER)
            // Without -fgnuc-version the headers take the compiler for Microsoft's; without asynchronous unwind
            // tables there is no .pdata.
            .args(["--target=x86_64-pc-windows-msvc", "-fgnuc-version=4.2.1", "-fms-extensions"])
            .args(["-fasynchronous-unwind-tables", "-fasync-exceptions", "-g", "-gcodeview"])
            .args(["-isystem", HEADERS, "-isystem", &format!("{HEADERS}/ddk")])
            // Debug information with neither our folder nor our command line in it.
            .args(["-fdebug-compilation-dir=.", "-gno-codeview-command-line"])
            .args(["-c", file, "-o"])
            .arg(&object);
        run(CLANG, clang, driver)?;
        objects.push(object);
    }
    let mut link = Command::new(LLD_LINK.name);
    link.args(["/subsystem:native,10.0", "/driver", "/entry:DriverEntry", "/nodefaultlib"])
        .args(["/dynamicbase", "/nxcompat", "/base:0x140000000", "/timestamp:0", "/debug"])
        // The image names its PDB without a folder.
        .arg("/pdbaltpath:%_PDB%")
        .arg(prefixed("/out:", &image))
        .arg(prefixed("/pdb:", &scratch.join(format!("{}.pdb", driver.name))))
        .args(&objects)
        .args(&libraries);
    run(LLD_LINK, link, driver)?;
    Ok(image)
}

/// Makes the import libraries from the lists of names, one for each image that drivers import from.
fn import_libraries(
    driver: &Source,
    toolchain: Toolchain,
    scratch: &Path,
) -> Result<[PathBuf; 2], BuildError> {
    let tool = match toolchain {
        Toolchain::Mingw => DLLTOOL,
        Toolchain::Clang => LLVM_DLLTOOL,
    };
    let library = |image: &str| {
        let names = folder().join("imports").join(format!("{image}.def"));
        let library = format!("{image}.lib");
        let mut dlltool = Command::new(tool.name);
        dlltool.args(["-m", "i386:x86-64", "-d"]).arg(&names).args(["-l", &library]);
        // GNU dlltool leaves its temporary files in the current folder, and makes symbols of the library's path.
        run_in(scratch, tool, dlltool, driver)?;
        Ok(scratch.join(library))
    };
    Ok([library("ntoskrnl")?, library("hal")?])
}

fn prefixed(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(path);
    argument
}

/// Runs a tool in the driver's folder.
fn run(tool: Tool, command: Command, driver: &Source) -> Result<(), BuildError> {
    run_in(&driver.dir, tool, command, driver)
}

fn run_in(dir: &Path, tool: Tool, mut command: Command, driver: &Source) -> Result<(), BuildError> {
    let output = command.current_dir(dir).output().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound if dir.exists() => {
            BuildError::Missing { tool: tool.name, package: tool.package }
        }
        _ => BuildError::Io { path: dir.to_owned(), source },
    })?;
    if output.status.success() {
        return Ok(());
    }
    let message = [output.stderr, output.stdout].concat();
    Err(BuildError::Failed {
        driver: driver.name.clone(),
        tool: tool.name,
        message: String::from_utf8_lossy(&message).into_owned(),
    })
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> BuildError + use<> {
    let path = path.to_owned();
    |source| BuildError::Io { path, source }
}

/// A folder of one build, removed with everything in it when the build is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path) -> Result<Scratch, BuildError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!(".build-{}-{number}", std::process::id()));
        fs::create_dir(&path).map_err(io_at(&path))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: a leftover is ignored by later builds, which have other names.
        let _ = fs::remove_dir_all(&self.0);
    }
}
