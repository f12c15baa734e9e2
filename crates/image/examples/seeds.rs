//! Writes the small images that fuzzing starts from into the folder given.

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;
use support::{
    FRAMED, FunctionParts, IMPORTS, PeBuilder, RELOCATIONS, sample, with_export, with_functions, with_symbol,
};

/// Images that differ in the parts of the format they have.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let functions = [
        FunctionParts { code: FRAMED, info: &[1, 5, 2, 0, 5, 0x32, 1, 0x30] },
        FunctionParts { code: FRAMED, info: &[2, 5, 4, 0, 2, 0x16, 10, 0x06, 5, 0x32, 1, 0x30] },
        FunctionParts { code: FRAMED, info: &[1, 10, 3, 0x15, 10, 0x03, 5, 0x32, 1, 0x50] },
        FunctionParts { code: FRAMED, info: &[1, 0, 1, 0, 0, 0x1A] },
        FunctionParts { code: FRAMED, info: &[1, 8, 5, 0, 8, 0x68, 1, 0, 8, 0x64, 3, 0, 4, 0x32] },
    ];
    let mut bare = PeBuilder::new(sample().sections[..1].to_vec());
    bare.directory_count = 0;
    vec![
        ("everything", sample().build()),
        ("functions", with_functions(&functions).build()),
        ("bare", bare.build()),
        ("exports", with_export().build()),
        ("symbols", with_symbol("function_of_a_long_name")),
        ("no-relocations", without(RELOCATIONS).build()),
        ("no-imports", without(IMPORTS).build()),
    ]
}

fn without(directory: usize) -> PeBuilder {
    let mut builder = sample();
    builder.directories[directory] = (0, 0);
    builder
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: seeds FOLDER");
        return ExitCode::from(2);
    };
    let folder = Path::new(&folder);
    let written = std::fs::create_dir_all(folder).and_then(|()| {
        seeds().into_iter().try_for_each(|(name, file)| std::fs::write(folder.join(name), file))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the seeds can't be written to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}
