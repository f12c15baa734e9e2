//! The gate for expectations wants one for each driver.

use ntpool_gates::expected::check;
use ntpool_gates::{Problem, Tree};

fn found(paths: &[&str]) -> Vec<String> {
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (*path, "")).collect();
    check(&Tree::of(&files)).iter().map(Problem::to_string).collect()
}

#[test]
fn a_driver_and_its_expectation_belong_together() {
    let pair =
        ["drivers/a/driver.c", "drivers/a/expected.toml", "drivers/a/twin.c", "drivers/include/kernel.h"];
    assert!(found(&pair).is_empty());
    assert!(found(&["drivers/sample/sample.c", "drivers/sample/expected.toml"]).is_empty());
    let alone = found(&["drivers/a/driver.c", "drivers/b/expected.toml"]);
    assert_eq!(alone.len(), 2);
    assert!(alone[0].starts_with("drivers/a: has no expected.toml"), "{alone:?}");
    assert!(alone[1].starts_with("drivers/b: expects something"), "{alone:?}");
}

#[test]
fn a_rule_that_no_driver_breaks_is_a_problem() {
    use ntpool_gates::expected::check_rules;
    use ntpool_types::Rule;
    let tree = Tree::of(&[("drivers/a/expected.toml", "[[finding]]\nrule = \"pool.leak\"\n")]);
    assert!(check_rules(&tree, &[Rule::PoolLeak]).is_empty());
    let problems: Vec<String> =
        check_rules(&tree, &[Rule::PoolLeak, Rule::CpuTrap]).iter().map(ToString::to_string).collect();
    assert_eq!(problems, ["rule cpu.trap: is broken by no driver of drivers/: add one, with a twin"]);
}
