//! The program's list, as another program reads it.

use std::io;
use std::process::Command;

fn list() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ntpool-bench"));
    command.arg("--list");
    command
}

#[test]
fn the_list_names_the_workloads_of_every_part() {
    let output = list().output().expect("the program runs");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("names are text");
    for name in
        ["pair/malloc/64", "counted/pair/malloc/64", "checked/pair/malloc/64", "no-std/pair/malloc/64"]
    {
        assert!(text.lines().any(|line| line.trim() == name), "{name}: {text}");
    }
}

#[test]
fn who_has_read_enough_of_the_list_ends_it_quietly() {
    let (reader, writer) = io::pipe().expect("there is a pipe");
    drop(reader);
    let output = list().stdout(writer).output().expect("the program runs");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
