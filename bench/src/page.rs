//! The section of the performance page: chart, goals and figures, between two marks.

use crate::goals::{GOALS, number};
use crate::peers;
use crate::results::{Part, Results};
use std::fmt::Write;

/// The title of the section, which is made when the page has no marks yet.
const TITLE: &str = "## The pool as malloc";

const BEGIN: &str = "<!-- bench: what lies between this mark and the next is written by `bench --page` -->";
const END: &str = "<!-- bench: end -->";

/// The page with the section in it; none when it has one mark without the other.
pub fn with_section(page: &str, section: &str) -> Option<String> {
    let section = format!("{BEGIN}\n\n{}\n\n{END}", section.trim());
    match (page.find(BEGIN), page.find(END)) {
        (Some(begin), Some(end)) if begin < end => {
            Some(format!("{}{section}{}", &page[..begin], &page[end + END.len()..]))
        }
        (None, None) => Some(format!("{}\n\n{TITLE}\n\n{section}\n", page.trim_end())),
        _ => None,
    }
}

/// The text between the marks.
pub fn section(results: &Results, chart: &str) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "Measured on {} with `cargo run --release --manifest-path bench/Cargo.toml -- --page`\non {}, {}, {}: medians of \
         {},\nallocators in turn, a process for each run. [`bench/README.md`](../bench/README.md) says what the workloads \
         do.\n",
        results.date,
        results.machine.processor,
        results.machine.kernel,
        results.machine.compiler,
        results.rounds_in_words()
    );
    let _ = writeln!(
        text,
        "![ntpool and other allocators, workload by workload, as ratios to the best]({chart})\n"
    );
    goals(&mut text, results);
    for part in Part::ALL {
        figures(&mut text, results, part);
    }
    versions(&mut text, results);
    text
}

fn goals(text: &mut String, results: &Results) {
    let _ = writeln!(
        text,
        "### Goals\n\nOf several figures the one furthest from the goal counts. Under 10 % apart is a tie on one thread, under \
         25 % with several.\n\n| goal | limit | {} | |\n|---|---|---|---|",
        peers::OURS
    );
    for goal in GOALS {
        let outcome = goal.outcome(results);
        let of = if outcome.figures > 1 && !outcome.figure.is_empty() {
            format!(" (`{}`)", outcome.figure)
        } else {
            String::new()
        };
        let parts = if (1..outcome.figures).contains(&outcome.measured) {
            format!("; {} of {} figures", outcome.measured, outcome.figures)
        } else {
            String::new()
        };
        let _ =
            writeln!(text, "| {} | {goal} | {}{of} | {}{parts} |", goal.name, outcome.shown, outcome.verdict);
    }
    let _ = writeln!(text);
}

fn figures(text: &mut String, results: &Results, part: Part) {
    let mut figures = results.figures.iter().filter(|figure| Part::of(&figure.name) == part).peekable();
    if figures.peek().is_none() {
        return;
    }
    let (title, about) = match part {
        Part::Malloc => ("malloc of a process", "The best peer is in bold."),
        Part::Counted => (
            "counting by tag",
            "Our library as it is, and one that counts nothing (the feature `uncounted`), as malloc of a process.",
        ),
        Part::Checked => (
            "allocators that check",
            "Our library with all of its checks (the feature `checked`), and hardened allocators, as malloc of a process.\nThe \
             best peer is in bold.",
        ),
        Part::NoStd => (
            "heap of a kernel, single-threaded",
            "The best peer is in bold. `live-tags` gives each block one of 300 tags at random; the peers, which have no \
             tags, run the\nlive set. `paged-` is paged pool, which the peers do not have either.",
        ),
    };
    let _ = write!(text, "### Figures: {title}\n\n{about}\n\n| workload | unit |");
    let mut rule = String::from("|---|---|");
    for subject in results.subjects_of(part) {
        let _ = write!(text, " {} |", escaped(&subject.name));
        rule.push_str("---:|");
    }
    let _ = writeln!(text, "\n{rule}");
    for figure in figures {
        let best = results.best(figure).map(|best| best.name);
        let _ = write!(text, "| `{}` | {} |", figure.name, figure.unit);
        for subject in results.subjects_of(part) {
            let value = figure.median(&subject.name).map_or("-".into(), number);
            let bold = if best == Some(subject.name.as_str()) { "**" } else { "" };
            let _ = write!(text, " {bold}{value}{bold} |");
        }
        let _ = writeln!(text);
    }
    let _ = writeln!(text);
}

fn versions(text: &mut String, results: &Results) {
    let _ = writeln!(text, "### Versions\n");
    for part in Part::ALL {
        let named = |subject: &crate::results::Subject| {
            format!("{}: {}", escaped(&subject.name), escaped(&subject.version))
        };
        let versions: Vec<String> = results.subjects_of(part).map(named).collect();
        if !versions.is_empty() {
            let what = match part {
                Part::Malloc => "As malloc",
                Part::Counted => "For what counting costs",
                Part::Checked => "For what checking costs",
                Part::NoStd => "As a kernel's heap",
            };
            let _ = writeln!(text, "- {what}. {}.", versions.join("; "));
        }
    }
}

/// Text that a table or a list takes for text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::examples::results;

    #[test]
    fn a_page_without_marks_gets_the_section_at_its_end() {
        let page = with_section("# Page\n\nText.\n", "new").expect("no marks");
        assert_eq!(page, format!("# Page\n\nText.\n\n{TITLE}\n\n{BEGIN}\n\nnew\n\n{END}\n"));
    }

    #[test]
    fn a_section_is_replaced_and_what_is_around_it_stays() {
        let page = with_section("# Page\n", "old").expect("no marks") + "\nWhy a goal is missed.\n";
        let again = with_section(&page, "new").expect("both marks");
        assert_eq!(again, page.replace("old", "new"));
    }

    #[test]
    fn half_a_section_is_refused() {
        assert_eq!(with_section(BEGIN, "new"), None);
        assert_eq!(with_section(END, "new"), None);
        assert_eq!(with_section(&format!("{END}{BEGIN}"), "new"), None);
    }

    #[test]
    fn the_section_has_the_goals_the_figures_and_the_versions() {
        let text = section(&results(&[("pair/malloc/64", [12.0, 9.0, 6.0])]), "chart.svg");
        assert!(text.contains("(chart.svg)"));
        assert!(text.contains("| pair, 16 to 256 B | at most 1.25 x best | 2.00 x other (`pair/malloc/64`) | missed by 60 %; 1 of 3 figures |"));
        assert!(text.contains("| `pair/malloc/64` | ns | 12.0 | 9.00 | **6.00** |"));
        assert!(text.contains("other 1.0 &lt;test> &amp; more"));
    }
}
