//! The page of rules explains each of them and is kept up to date.

use ntpool_gates::Tree;
use ntpool_gates::rules::{PATH, check, generate};
use ntpool_types::Rule;

#[test]
fn the_page_explains_every_rule_under_its_family() {
    let page = generate();
    for rule in Rule::ALL {
        let (_, after) = page.split_once(&format!("\n### `{rule}`\n")).unwrap_or_else(|| panic!("{rule}"));
        let entry = after.split("\n#").next().unwrap();
        assert!(entry.contains(rule.title()) && entry.contains(rule.explanation()), "{rule}");
    }
    assert_eq!(page.matches("\n## pool\n").count(), 1);
    assert!(page.contains("*soft*: a pool block was freed twice.\n"), "{page}");
}

#[test]
fn a_page_that_is_not_what_would_be_generated_is_told() {
    assert_eq!(check(&Tree::of(&[(PATH, &generate())])), []);
    assert!(check(&Tree::of(&[(PATH, "old")]))[0].to_string().contains("is out of date"));
    assert!(check(&Tree::default())[0].to_string().contains("is missing"));
}
