//! Reports in full, as a reader sees them.

use crate::{Format, Style, render};
use ntpool_finding::{
    Block, DeviceRecord, DriverRecord, Finding, Frame, Hex, Limit, LimitKind, Outcome, Phase, Role, Stack,
    Status, TagUsage,
};

fn outcome() -> Outcome {
    let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned();
    let driver = DriverRecord { name: "sample.sys".to_owned(), sha256, embedded: false };
    let mut outcome = Outcome::new(driver, 42, "ntpool run sample.sys --seed 42".to_owned());
    outcome.version = "0.1.0".to_owned();
    outcome
}

fn text(outcome: &Outcome) -> String {
    render(outcome, Format::Text, Style::default())
}

fn status(value: u64, name: Option<&str>) -> Status {
    Status { value: Hex(value), name: name.map(str::to_owned), success: value < 0x8000_0000 }
}

fn frame(function: &str, offset: u64, file: &str, line: u32) -> Frame {
    Frame {
        address: Hex(0x2000_0000_1000 + offset),
        module: Some("sample.sys".to_owned()),
        offset: Some(Hex(0x1000 + offset)),
        function: Some(function.to_owned()),
        function_offset: Some(Hex(offset)),
        file: Some(file.to_owned()),
        line: Some(line),
        ..Frame::default()
    }
}

fn stack(role: Role, frames: &[Frame]) -> Stack {
    Stack { role, frames: frames.to_vec() }
}

fn usage(tag: &str, kind: &str, allocations: u64, frees: u64, bytes: u64) -> TagUsage {
    TagUsage { tag: tag.to_owned(), kind: kind.to_owned(), allocations, frees, bytes }
}

fn double_free() -> Finding {
    Finding {
        rule: "pool.double-free".to_owned(),
        bug_check: Some(Hex(0xC2)),
        name: Some("BAD_POOL_CALLER".to_owned()),
        parameters: Some([Hex(7), Hex(0), Hex(0), Hex(0x2000_1000_4C40)]),
        model: None,
        message: "a pool block was freed twice".to_owned(),
        block: Some(Block {
            address: Hex(0x2000_1000_4C40),
            size: 96,
            kind: "nonpaged".to_owned(),
            tag: "Cnfg".to_owned(),
        }),
        count: 1,
        bytes: None,
        stacks: vec![
            stack(Role::Allocated, &[frame("ReadConfig", 0x4C, "/build/sample/config.c", 118)]),
            stack(Role::Freed, &[frame("Close", 0x1F, "/build/sample/close.c", 41)]),
            stack(Role::Again, &[frame("Unload", 0x88, "/build/sample/driver.c", 77)]),
        ],
        phase: Phase::Unload,
        processor: 1,
        irql: 0,
        time: 124_000,
        repeat: "ntpool run sample.sys --seed 42 --io session.toml".to_owned(),
    }
}

fn leak() -> Finding {
    Finding {
        rule: "pool.leak".to_owned(),
        bug_check: Some(Hex(0xC4)),
        name: Some("DRIVER_VERIFIER_DETECTED_VIOLATION".to_owned()),
        parameters: Some([Hex(0x62), Hex(0x1), Hex(0x2), Hex(2)]),
        model: Some("with Driver Verifier".to_owned()),
        message: "pool blocks were left behind".to_owned(),
        block: None,
        count: 2,
        bytes: Some(128),
        stacks: vec![stack(
            Role::Allocated,
            &[
                frame("MakeList", 0x10, "/build/sample/list/make.c", 9),
                Frame { file: None, line: None, ..frame("DriverEntry", 0x5D, "", 0) },
                Frame {
                    address: Hex(0x2000_0000_1222),
                    module: Some("sample.sys".to_owned()),
                    offset: Some(Hex(0x1222)),
                    ..Frame::default()
                },
                Frame { address: Hex(0xDEAD_BEEF), ..Frame::default() },
            ],
        )],
        phase: Phase::AfterUnload,
        time: 130_005,
        processor: 0,
        ..double_free()
    }
}

#[test]
fn a_clean_run_says_so_in_its_last_lines() {
    let mut outcome = outcome();
    outcome.driver_entry = Some(status(0, Some("STATUS_SUCCESS")));
    outcome.unloaded = true;
    outcome.stack_used = Some(1872);
    outcome.devices = vec![
        DeviceRecord {
            name: Some(r"\Device\Sample".to_owned()),
            links: vec![r"\DosDevices\Sample".to_owned(), r"\??\Other".to_owned()],
        },
        DeviceRecord { name: None, links: Vec::new() },
    ];
    outcome.tags = vec![usage("Cnfg", "nonpaged", 4, 4, 0)];
    assert_eq!(
        text(&outcome),
        r"sample.sys, sha256 9f86d081884c, seed 42, ntpool 0.1.0
  entry      DriverEntry returned STATUS_SUCCESS (0x0)
  device     \Device\Sample, linked as \DosDevices\Sample, \??\Other
  device     without a name
  unloaded   yes
  stack      at most 1872 bytes of the kernel stack used

no findings
left: nothing
"
    );
}

#[test]
fn a_finding_reads_as_the_design_shows_it() {
    let mut outcome = outcome();
    outcome.driver_entry = Some(status(0, Some("STATUS_SUCCESS")));
    outcome.unloaded = true;
    outcome.findings = vec![double_free()];
    assert_eq!(
        text(&outcome),
        "sample.sys, sha256 9f86d081884c, seed 42, ntpool 0.1.0
  entry      DriverEntry returned STATUS_SUCCESS (0x0)
  unloaded   yes

pool.double-free: a pool block was freed twice
  block      0x200010004c40, 96 bytes, nonpaged, tag 'Cnfg'
  allocated  sample.sys!ReadConfig+0x4c   config.c:118
  freed      sample.sys!Close+0x1f        close.c:41
  again      sample.sys!Unload+0x88       driver.c:77    unload, processor 1, IRQL 0, 12.4 ms
  Windows    BUG CHECK 0xC2 BAD_POOL_CALLER (0x7, 0x0, 0x0, 0x200010004c40)
  repeat     ntpool run sample.sys --seed 42 --io session.toml

1 finding
left: nothing
"
    );
}

#[test]
fn a_leak_shows_count_bytes_stacks_without_symbols_and_what_is_left() {
    let mut outcome = outcome();
    outcome.driver.embedded = true;
    outcome.driver_entry = Some(status(0x103, None));
    outcome.unloaded = true;
    outcome.findings = vec![leak(), double_free()];
    outcome.notes = vec!["the image has no debug information".to_owned(), "another note".to_owned()];
    outcome.left = vec![
        usage("Leak", "nonpaged", 1, 0, 64),
        usage("Gone", "paged", 7, 7, 0),
        usage("Cnfg", "nonpaged executable", 104, 103, 96),
        usage("Leak", "paged", 2, 1, 64),
    ];
    assert_eq!(
        text(&outcome),
        "sample.sys (the sample that ntpool brings along), sha256 9f86d081884c, seed 42, ntpool 0.1.0
  entry      DriverEntry returned 0x103
  unloaded   yes

pool.leak: pool blocks were left behind
  left       2 blocks, 128 bytes
  allocated  sample.sys!MakeList+0x10      list/make.c:9
             sample.sys!DriverEntry+0x5d
             sample.sys+0x1222
             0xdeadbeef
  at         after unload, processor 0, IRQL 0, 13.0005 ms
  Windows    BUG CHECK 0xC4 DRIVER_VERIFIER_DETECTED_VIOLATION (0x62, 0x1, 0x2, 0x2) with Driver Verifier
  repeat     ntpool run sample.sys --seed 42 --io session.toml

pool.double-free: a pool block was freed twice
  block      0x200010004c40, 96 bytes, nonpaged, tag 'Cnfg'
  allocated  sample.sys!ReadConfig+0x4c   config.c:118
  freed      sample.sys!Close+0x1f        close.c:41
  again      sample.sys!Unload+0x88       driver.c:77    unload, processor 1, IRQL 0, 12.4 ms
  Windows    BUG CHECK 0xC2 BAD_POOL_CALLER (0x7, 0x0, 0x0, 0x200010004c40)
  repeat     ntpool run sample.sys --seed 42 --io session.toml

note: the image has no debug information
note: another note

  tag   kind                 allocations  frees  blocks  bytes
  Leak  nonpaged                       1      0       1     64
  Cnfg  nonpaged executable          104    103       1     96
  Leak  paged                          2      1       1     64

2 findings
left: 3 blocks, 224 bytes: Leak 2 (128 bytes), Cnfg 1 (96 bytes)
"
    );
}

#[test]
fn a_limit_tells_what_stopped_the_run_and_wraps_to_the_width() {
    let mut outcome = outcome();
    outcome.limits = vec![Limit {
        kind: LimitKind::MissingExport,
        message:
            "the driver called a routine that this machine does not have; the export list names those it has"
                .to_owned(),
        stacks: vec![stack(Role::At, &[frame("Unload", 0x88, "driver.c", 77)])],
    }];
    outcome.notes = vec!["a spin loop took its turn for too long and others ran".to_owned()];
    assert_eq!(
        render(&outcome, Format::Text, Style { colour: false, width: 60 }),
        "sample.sys, sha256 9f86d081884c, seed 42, ntpool 0.1.0
  entry      DriverEntry did not return
  unloaded   no

limit, missing export: the driver called a routine that this
  machine does not have; the export list names those it has
  at         sample.sys!Unload+0x88   driver.c:77

note: a spin loop took its turn for too long and others ran

no findings, 1 limit
left: nothing
"
    );
}

#[test]
fn a_failed_entry_is_called_a_failure() {
    let mut outcome = outcome();
    outcome.driver_entry = Some(status(0xC000_00BB, Some("STATUS_NOT_SUPPORTED")));
    let entry = "  entry      DriverEntry returned STATUS_NOT_SUPPORTED (0xc00000bb), a failure\n";
    assert!(text(&outcome).contains(entry), "{}", text(&outcome));
}

#[test]
fn circumstances_that_do_not_fit_the_width_get_a_row_of_their_own() {
    let mut outcome = outcome();
    outcome.findings = vec![Finding { count: 3, ..double_free() }];
    let text = render(&outcome, Format::Text, Style { colour: false, width: 80 });
    let rows = "  count      3 times
  allocated  sample.sys!ReadConfig+0x4c   config.c:118
  freed      sample.sys!Close+0x1f        close.c:41
  again      sample.sys!Unload+0x88       driver.c:77
             unload, processor 1, IRQL 0, 12.4 ms
";
    assert!(text.contains(rows), "{text}");
}

#[test]
fn circumstances_stand_once_and_after_the_innermost_frame_of_the_offence() {
    let mut outcome = outcome();
    let at = stack(Role::At, &[frame("Inner", 1, "a.c", 1), frame("Outer", 2, "a.c", 2)]);
    outcome.findings = vec![Finding { stacks: vec![at.clone(), at], bug_check: None, ..double_free() }];
    let rows = "  at         sample.sys!Inner+0x1   a.c:1   unload, processor 1, IRQL 0, 12.4 ms
             sample.sys!Outer+0x2   a.c:2
  at         sample.sys!Inner+0x1   a.c:1
             sample.sys!Outer+0x2   a.c:2
  repeat     ";
    assert!(text(&outcome).contains(rows), "{}", text(&outcome));
}

#[test]
fn only_the_shared_folders_of_source_files_are_left_away() {
    let mut outcome = outcome();
    let sources = |outcome: &mut Outcome, one: &str, other: &str| {
        let frames = [frame("F", 1, one, 1), frame("F", 1, other, 1)];
        outcome.findings = vec![Finding { stacks: vec![stack(Role::Allocated, &frames)], ..leak() }];
        let text = text(outcome);
        let mut lines =
            text.lines().filter_map(|line| line.split_once("F+0x1   ")).map(|(_, source)| source.to_owned());
        (lines.next().unwrap(), lines.next().unwrap())
    };
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    let windows = sources(&mut outcome, r"C:\src\driver\a.c", r"C:\src\drivers\b.c");
    assert_eq!(windows, pair(r"driver\a.c:1", r"drivers\b.c:1"));
    assert_eq!(sources(&mut outcome, "/usr/a.c", "/build/b.c"), pair("/usr/a.c:1", "/build/b.c:1"));
    assert_eq!(sources(&mut outcome, "a.c", "/build/b.c"), pair("a.c:1", "/build/b.c:1"));
    assert_eq!(sources(&mut outcome, "/ü/ä.c", "/ö/b.c"), pair("/ü/ä.c:1", "/ö/b.c:1"));
}

/// An outcome whose every string is `hostile`.
fn hostile_outcome(hostile: &str) -> Outcome {
    let string = || hostile.to_owned();
    let frame = Frame {
        module: Some(string()),
        function: Some(string()),
        function_offset: Some(Hex(1)),
        file: Some(string()),
        line: Some(1),
        ..Frame::default()
    };
    let unnamed = Frame { function: None, offset: Some(Hex(2)), line: None, ..frame.clone() };
    let orphan = Frame { module: None, ..frame.clone() };
    let mut outcome = outcome();
    outcome.version = string();
    outcome.driver.name = string();
    outcome.driver.sha256 = string();
    outcome.driver_entry = Some(status(1, Some(hostile)));
    outcome.devices = vec![DeviceRecord { name: Some(string()), links: vec![string(), string()] }];
    outcome.findings = vec![Finding {
        rule: string(),
        name: Some(string()),
        model: Some(string()),
        message: string(),
        block: Some(Block { address: Hex(1), size: 1, kind: string(), tag: string() }),
        stacks: vec![stack(Role::At, &[frame, unnamed, orphan])],
        repeat: string(),
        ..double_free()
    }];
    let stacks = outcome.findings[0].stacks.clone();
    outcome.limits = vec![Limit { kind: LimitKind::Host, message: string(), stacks }];
    outcome.notes = vec![string()];
    outcome.left = vec![usage(hostile, hostile, u64::MAX, 0, u64::MAX), usage(hostile, "paged", 9, 0, 9)];
    outcome
}

#[test]
fn hostile_strings_neither_steer_the_terminal_nor_add_lines() {
    let harmless = text(&hostile_outcome("harmless"));
    let hostile = hostile_outcome("\x1b[2J\r\nleft:\tnothing\u{9b}\u{202e}\u{fffd}\0");
    let shown = text(&hostile);
    assert!(!shown.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{shown:?}");
    assert!(shown.contains(r"\u{1b}[2J\u{d}\u{a}left:"), "{shown}");
    let wide = Style { colour: false, width: usize::MAX };
    let lines = |outcome: &Outcome| render(outcome, Format::Text, wide).lines().count();
    assert_eq!(lines(&hostile), lines(&hostile_outcome("harmless")), "{harmless}");
}

#[test]
fn strings_of_any_length_are_shown() {
    let long = "x".repeat(70_000);
    let shown = text(&hostile_outcome(&long));
    assert!(shown.contains(&format!("{long}!{long}+0x1   {long}:1\n")));
    assert!(shown.contains(&format!("  {long}  paged")));
}

#[test]
fn hostile_counts_do_not_overflow_the_last_line() {
    let last = text(&hostile_outcome("x")).lines().last().unwrap().to_owned();
    let most = u64::MAX;
    assert_eq!(last, format!("left: {most} blocks, {most} bytes: x {most} ({most} bytes)"));
}

#[test]
fn colour_codes_stand_around_headlines_and_only_when_asked_for() {
    let mut outcome = hostile_outcome("harmless");
    outcome.findings.push(leak());
    let plain = render(&outcome, Format::Text, Style { colour: false, width: 100 });
    assert!(!plain.contains('\x1b'), "{plain:?}");
    let coloured = render(&outcome, Format::Text, Style { colour: true, width: 100 });
    let headline = "\n\x1b[1m\x1b[31mpool.leak: pool blocks were left behind\x1b[0m\n";
    assert!(coloured.contains(headline), "{coloured:?}");
    let mut bare = coloured;
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[33m"] {
        bare = bare.replace(code, "");
    }
    assert_eq!(bare, plain);
}

#[test]
fn json_is_stable_and_reads_back_as_the_same_outcome() {
    let outcome = hostile_outcome("\u{9b}hostile\x1b\n\u{202e}");
    let json = render(&outcome, Format::Json, Style { colour: true, width: 10 });
    assert!(
        json.starts_with("{\n  \"schema\": 1,\n  \"version\": \"\\u009bhostile\\u001b\\n\\u202e\",\n"),
        "{json}"
    );
    assert!(json.ends_with("\n}\n"));
    assert_eq!(json, render(&outcome, Format::Json, Style::default()));
    assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), outcome);
}
