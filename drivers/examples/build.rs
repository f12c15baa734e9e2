//! Builds one of the drivers of this folder, `rows/NAME` or `races/NAME`:
//! `cargo run -p ntpool-drivers --example build -- NAME mingw|clang FOLDER`.

use ntpool_drivers::{Source, Toolchain, all, build};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, toolchain, folder] = &arguments[..] else { return Err("give NAME mingw|clang FOLDER".into()) };
    let toolchain =
        Toolchain::ALL.into_iter().find(|known| known.name() == toolchain).ok_or("mingw or clang")?;
    let source = match (name.strip_prefix("rows/"), name.strip_prefix("races/")) {
        (Some(observer), _) => Source::observer(observer)?,
        (_, Some(race)) => Source::race(race),
        _ => all()?.into_iter().find(|driver| driver.name == *name).ok_or("no such driver")?.source(),
    };
    println!("{}", build(&source, toolchain, Path::new(folder))?.display());
    Ok(())
}
