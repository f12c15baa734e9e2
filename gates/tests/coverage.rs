//! The coverage page is made from what tests cite, and refuses what no row answers to.

use ntpool_gates::coverage::{NOTES, PATH, check, generate};
use ntpool_gates::rows::{self, RowId};
use ntpool_gates::{Problem, Tree};

const ROWS: &str = "# rows
POOL-001 | - | Block geometry
POOL-002 | DERIVED | Block geometry
POOL-003 | - | Tags
POOL-004 | UNCONFIRMED | Tags
POOL-005 | CONFLICT | Tags
POOL-006 | - | Tags
POOL-007 | UNCONFIRMED | Tags
POOL-008 | - | Tags
MACH-142 | - | Faults
";

fn ids(rows: &[RowId]) -> Vec<String> {
    rows.iter().map(RowId::to_string).collect()
}

fn page(files: &[(&str, &str)]) -> String {
    generate(&with_rows(files)).unwrap()
}

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    generate(&with_rows(files)).unwrap_err().iter().map(Problem::to_string).collect()
}

fn with_rows(files: &[(&str, &str)]) -> Tree {
    Tree::of(&[files, &[(rows::PATH, ROWS)]].concat())
}

#[test]
fn rows_are_read_from_names_and_comments() {
    assert_eq!(ids(&rows::in_name("pool_017_tail_is_out_of_bounds")), ["POOL-017"]);
    assert_eq!(ids(&rows::in_name("pool_190_191_mach_142_each")), ["POOL-190", "POOL-191", "MACH-142"]);
    for name in ["pools_017_x", "x_pool_017", "pool_17_x", "pool_x", "a_pool_holds_128_bytes", "017_pool"] {
        assert_eq!(rows::in_name(name), [], "{name}");
    }
    assert_eq!(ids(&rows::in_comment("    // POOL-003 VRF-004").unwrap()), ["POOL-003", "VRF-004"]);
    for line in ["// see POOL-003", "/// POOL-003", "// POOL-003, POOL-004", "//", "POOL-003"] {
        assert_eq!(rows::in_comment(line), None, "{line}");
    }
}

#[test]
fn the_page_shows_state_test_and_what_is_open() {
    let source = "\
#[test]
fn pool_001_002_rows_hold() {}

    // MACH-142
    #[cfg(unix)]
    #[test]
    #[should_panic]
    fn pool_004_is_chosen() {}

fn pool_006_is_no_test() {}
// #[test]
fn pool_006_is_commented_out() {}
const S: &str = \"
#[test]
fn pool_006_is_text() {}\";
";
    let expected = "rows = [\"POOL-001\"]\nother = 1\n";
    let notes = "[[row]]\nid = \"POOL-003\"\nstate = \"advice\"\nreason = \"for authors\"\n";
    let page =
        page(&[("crates/x/src/a.rs", source), ("drivers/twice/expected.toml", expected), (NOTES, notes)]);
    let body = &page[page.find("| POOL:").unwrap()..];
    let lines: Vec<&str> = body.lines().filter(|line| !line.contains("| 0 | 0 | 0 | 0 | 0 | 0 |")).collect();
    assert_eq!(
        lines.join("\n").split("\n\n## LOOK").next().unwrap(),
        "| POOL: Kernel pool | 8 | 2 | 1 | 1 | 0 | 4 |
| MACH: The machine around the allocators | 1 | 1 | 0 | 0 | 0 | 0 |
| total | 9 | 3 | 1 | 1 | 0 | 4 |

## POOL: Kernel pool

### Block geometry

| row | state | test or reason |
|---|---|---|
| POOL-001 | holds | `pool_001_002_rows_hold` in crates/x/src/a.rs<br>`twice` in drivers/twice/expected.toml |
| POOL-002 | holds | `pool_001_002_rows_hold` in crates/x/src/a.rs |

### Tags

| row | state | test or reason |
|---|---|---|
| POOL-003 | advice | for authors |
| POOL-004 | our choice | `pool_004_is_chosen` in crates/x/src/a.rs |

not reached yet: POOL-005 to POOL-008"
    );
    assert!(page.contains("| MACH-142 | holds | `pool_004_is_chosen` in crates/x/src/a.rs |\n"), "{page}");
}

#[test]
fn open_rows_are_listed_one_by_one_in_pairs_or_as_ranges() {
    let source = "#[test]\nfn pool_003_x() {}\n#[test]\nfn pool_005_x() {}\n";
    let page = page(&[("a.rs", source)]);
    assert!(
        page.contains("\nnot reached yet: POOL-001, POOL-002, POOL-004, POOL-006 to POOL-008\n"),
        "{page}"
    );
}

#[test]
fn a_page_that_is_not_what_would_be_generated_is_told() {
    let page = page(&[]);
    assert_eq!(check(&with_rows(&[(PATH, &page)])), []);
    let stale = check(&with_rows(&[(PATH, &page), ("a.rs", "#[test]\nfn pool_001_x() {}\n")]));
    assert!(stale[0].to_string().starts_with("docs/coverage.md: is out of date"), "{stale:?}");
    assert!(check(&with_rows(&[]))[0].to_string().starts_with("docs/coverage.md: is missing"));
}

#[test]
fn what_cites_no_row_is_refused() {
    let source = "//! x\n#[test]\nfn pool_999_x() {}\n// LOOK-001\n#[test]\nfn x() {}\n";
    assert_eq!(
        problems(&[("a.rs", source), ("drivers/b/expected.toml", "rows = [\"POOL-099\"]")]),
        [
            "a.rs:2: pool_999_x cites POOL-999, which is no row",
            "a.rs:5: x cites LOOK-001, which is no row",
            "drivers/b/expected.toml: b cites POOL-099, which is no row",
        ]
    );
    assert_eq!(problems(&[("drivers/b/expected.toml", "rows = [\"POOL\"]")]).len(), 1);
    assert_eq!(problems(&[("drivers/b/expected.toml", "rows = ")]).len(), 1);
}

#[test]
fn notes_are_about_rows_that_no_test_holds_and_give_reasons() {
    let note = |id: &str, state: &str, reason: &str| {
        format!("[[row]]\nid = \"{id}\"\nstate = \"{state}\"\nreason = \"{reason}\"\n")
    };
    let not_here = "not applicable by design";
    assert!(
        page(&[(NOTES, &note("POOL-001", not_here, "why"))])
            .contains("| POOL-001 | not applicable by design | why |")
    );
    let test = ("a.rs", "#[test]\nfn pool_001_x() {}\n");
    let held = problems(&[test, (NOTES, &note("POOL-001", not_here, "why"))]);
    assert_eq!(held, ["gates/row-notes.toml: POOL-001 is held by pool_001_x: remove the note"]);
    for wrong in [
        note("POOL-099", "advice", "why"),
        note("POOL-001", "holds", "why"),
        note("POOL-001", "advice", " "),
        note("POOL-001", "advice", "why").repeat(2),
    ] {
        assert_eq!(problems(&[(NOTES, &wrong)]).len(), 1, "{wrong}");
    }
}

#[test]
fn a_table_of_rows_with_a_bad_line_is_refused() {
    for line in ["POOL-001", "POOL-1 | - | x", "POOL-001 | SURE | x", "OTHER-001 | - | x", ""] {
        assert_eq!(
            rows::load(&Tree::of(&[(rows::PATH, &format!("{line}\n"))])).unwrap_err().len(),
            1,
            "{line}"
        );
    }
    let twice = "POOL-001 | - | x\n".repeat(2);
    assert_eq!(rows::load(&Tree::of(&[(rows::PATH, &twice)])).unwrap_err().len(), 1);
    assert_eq!(rows::load(&Tree::default()).unwrap_err().len(), 1);
}
