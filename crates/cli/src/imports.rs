//! `ntpool imports`.

use crate::arguments::ImportsOptions;
use anstyle::{AnsiColor, Style};
use ntpool::{Driver, Grade, ImportedRoutine};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// Lists what a driver imports; the exit status.
pub fn imports(options: &ImportsOptions) -> Result<u8, String> {
    let driver = Driver::from_file(&options.driver).map_err(|error| error.to_string())?;
    let imports = driver.imports();
    let text = if options.json {
        let mut text = serde_json::to_string_pretty(&imports).expect("imports are plain data");
        text.push('\n');
        text
    } else {
        let colour =
            io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        table(driver.name(), &imports, colour)
    };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(format!("cannot write the standard output: {error}"));
        }
        _ => {}
    }
    Ok(u8::from(!imports.iter().all(|import| import.grade.is_served())))
}

/// The imports by image, in the order of the import table, and a summary.
fn table(driver: &str, imports: &[ImportedRoutine], colour: bool) -> String {
    let mut text = String::new();
    let mut dlls: Vec<&str> = Vec::new();
    for import in imports {
        if !dlls.iter().any(|dll| dll.eq_ignore_ascii_case(&import.dll)) {
            dlls.push(&import.dll);
        }
    }
    for dll in dlls {
        let _ = writeln!(text, "{dll}");
        for import in imports.iter().filter(|import| import.dll.eq_ignore_ascii_case(dll)) {
            let style = match import.grade {
                _ if !colour => Style::new(),
                Grade::Faithful => AnsiColor::Green.on_default(),
                Grade::Simplified => AnsiColor::Yellow.on_default(),
                Grade::Refused | Grade::Missing => AnsiColor::Red.on_default(),
            };
            let _ = write!(text, "  {style}{:<10}{style:#}  {}", import.grade, import.symbol);
            let _ = match import.remark {
                Some(remark) => writeln!(text, ": {remark}"),
                None => writeln!(text),
            };
        }
    }
    let count = |grade| imports.iter().filter(|import| import.grade == grade).count();
    let _ = writeln!(
        text,
        "{driver}: {} imports: {} faithful, {} simplified, {} refused, {} missing",
        imports.len(),
        count(Grade::Faithful),
        count(Grade::Simplified),
        count(Grade::Refused),
        count(Grade::Missing),
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntpool::ImportedSymbol;

    fn import(dll: &str, name: &str, grade: Grade) -> ImportedRoutine {
        ImportedRoutine { dll: dll.into(), symbol: ImportedSymbol::Name(name.into()), grade, remark: None }
    }

    #[test]
    fn imports_are_listed_by_image_whose_spelling_does_not_matter() {
        let imports = [
            import("ntoskrnl.exe", "One", Grade::Faithful),
            import("NDIS.SYS", "Two", Grade::Missing),
            import("NTOSKRNL.EXE", "Three", Grade::Missing),
        ];
        let text = table("x.sys", &imports, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "ntoskrnl.exe",
                "  faithful    One",
                "  missing     Three",
                "NDIS.SYS",
                "  missing     Two",
                "x.sys: 3 imports: 1 faithful, 0 simplified, 0 refused, 2 missing",
            ]
        );
    }
}
