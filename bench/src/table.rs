//! The tables on the screen.

use crate::goals::{GOALS, Verdict, number};
use crate::results::{Part, Results};
use std::fmt::Write;

/// All tables: the figures of each part that was measured, and the goals.
pub fn tables(results: &Results) -> String {
    let mut text = String::new();
    for part in Part::ALL {
        figures(&mut text, results, part);
    }
    goals(&mut text, results);
    text
}

fn figures(text: &mut String, results: &Results, part: Part) {
    let figures: Vec<_> = results.figures.iter().filter(|figure| Part::of(&figure.name) == part).collect();
    let Some(width) = figures.iter().map(|figure| figure.name.len()).max() else { return };
    let _ = writeln!(
        text,
        "Medians of {}, and in brackets the ratio to the best peer\n",
        results.rounds_in_words()
    );
    let _ = write!(text, "{:width$} unit", "");
    for subject in results.subjects_of(part) {
        let _ = write!(text, " {:>16}", subject.name.chars().take(16).collect::<String>());
    }
    let _ = writeln!(text, "  best peer");
    for figure in figures {
        let _ = write!(text, "{:width$} {:4}", figure.name, figure.unit);
        for subject in results.subjects_of(part) {
            let value = figure.median(&subject.name).map_or("-".into(), number);
            let ratio = results.ratio(figure, &subject.name);
            let ratio = ratio.map_or(String::new(), |ratio| format!(" [{ratio:.2}]"));
            let _ = write!(text, " {:>16}", value + &ratio);
        }
        let _ = writeln!(text, "  {}", results.best(figure).map_or("-", |best| best.name));
    }
    let _ = writeln!(text);
}

fn goals(text: &mut String, results: &Results) {
    let _ = writeln!(
        text,
        "Goals; of several figures the worst counts, and under 10 % (25 % with threads) apart is a tie\n"
    );
    let mut unmeasured = 0;
    for goal in GOALS {
        let outcome = goal.outcome(results);
        if let Verdict::Unmeasured(_) = outcome.verdict {
            unmeasured += 1;
            continue;
        }
        let parts = if (1..outcome.figures).contains(&outcome.measured) {
            format!(" ({} of {} figures)", outcome.measured, outcome.figures)
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "{:46} {:33} {:38} {}{parts}",
            goal.name,
            goal.to_string(),
            outcome.shown,
            outcome.verdict
        );
    }
    let _ = writeln!(text, "\n{unmeasured} goals were not measured in this run");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::examples::results;

    #[test]
    fn a_row_has_medians_ratios_and_the_best_peer() {
        let text = tables(&results(&[("pair/malloc/64", [7.5, 9.0, 6.0])]));
        let row = text.lines().find(|line| line.starts_with("pair/malloc/64")).expect("a row");
        assert_eq!(
            row.split_whitespace().collect::<Vec<_>>(),
            ["pair/malloc/64", "ns", "7.50", "[1.25]", "9.00", "[1.50]", "6.00", "[1.00]", "other"]
        );
        assert!(
            text.lines()
                .any(|line| line.starts_with("pair, 16 to 256 B") && line.ends_with("met (1 of 3 figures)"))
        );
    }
}
