//! The command line of the gates.

use ntpool_gates::edges::Package;
use ntpool_gates::{Problem, Tree, coverage, edges, expected, exports, files, names, rules, unsafe_modules};
use ntpool_types::Rule;
use std::process::{Command, ExitCode};
use std::{env, error, fs, path::Path};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check(),
        ["write"] => write(),
        _ => {
            eprintln!("usage: ntpool-gates check | write");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs every gate; `false` when something is wrong.
fn check() -> Result<bool, Box<dyn error::Error>> {
    let (packages, root) = workspace()?;
    let tree = Tree::load(Path::new(&root))?;
    let gates: [(&str, Vec<Problem>); 9] = [
        ("edges", edges::check(&packages, &tree)),
        ("names", names::check(&tree)),
        ("unsafe", unsafe_modules::check(&tree)),
        ("expected", expected::check(&tree)),
        ("broken", expected::check_rules(&tree, Rule::ALL)),
        ("coverage", coverage::check(&tree)),
        ("rules", rules::check(&tree)),
        ("exports", exports::check(&tree)),
        ("files", files::check(&tree)),
    ];
    for (gate, problems) in &gates {
        match problems.len() {
            0 => println!("{gate:<9} ok"),
            1 => println!("{gate:<9} 1 problem"),
            n => println!("{gate:<9} {n} problems"),
        }
        for problem in problems {
            println!("  {problem}");
        }
    }
    Ok(gates.iter().all(|(_, problems)| problems.is_empty()))
}

/// Writes the generated files; `false` when one can't be generated.
fn write() -> Result<bool, Box<dyn error::Error>> {
    let (_, root) = workspace()?;
    let tree = Tree::load(Path::new(&root))?;
    let mut complete = true;
    let pages = [
        (coverage::PATH, coverage::generate(&tree)),
        (rules::PATH, Ok(rules::generate())),
        (exports::PATH, Ok(ntpool_driver::exports::markdown())),
    ];
    for (path, generated) in pages {
        match generated {
            Ok(text) => {
                let file = Path::new(&root).join(path);
                if let Some(folder) = file.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(file, text)?;
                println!("wrote {path}");
            }
            Err(problems) => {
                complete = false;
                println!("{path} was not written");
                for problem in problems {
                    println!("  {problem}");
                }
            }
        }
    }
    Ok(complete)
}

/// The packages of the workspace, as cargo tells them, and its root.
fn workspace() -> Result<(Vec<Package>, String), Box<dyn error::Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(["metadata", "--format-version", "1", "--no-deps"]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(edges::parse(&output.stdout)?)
}
