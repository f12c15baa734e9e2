//! What was measured, as it is kept in a file: every run, who was measured, where and when.

use ntpool_bench_workloads::catalogue::{CHECKED, COUNTED, NO_STD};
use ntpool_bench_workloads::report::Unit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The parts of the benchmark, each with peers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The C allocation functions of a process.
    Malloc,
    /// The same functions of ours, with its counters by tag and without.
    Counted,
    /// The same functions of allocators that check.
    Checked,
    /// The heap of a kernel.
    NoStd,
}

impl Part {
    /// All parts, in the order of the tables.
    pub const ALL: [Part; 4] = [Part::Malloc, Part::Counted, Part::Checked, Part::NoStd];

    /// The part that a workload or a figure belongs to.
    pub fn of(name: &str) -> Part {
        let named = |part: &Part| !part.prefix().is_empty() && name.starts_with(part.prefix());
        Part::ALL.into_iter().find(named).unwrap_or(Part::Malloc)
    }

    /// What the names of its workloads and figures begin with, which the programs that run them do not know.
    pub const fn prefix(self) -> &'static str {
        match self {
            Part::Malloc => "",
            Part::Counted => COUNTED,
            Part::Checked => CHECKED,
            Part::NoStd => NO_STD,
        }
    }
}

/// What a subject is measured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It is ours.
    Ours,
    /// It may be the best.
    Peer,
    /// It shows what can be had, and is no allocator to use.
    Yardstick,
}

/// An allocator that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its short name, one of its own within its part.
    pub name: String,
    /// What it is, with its version.
    pub version: String,
    /// Where it was measured.
    pub part: Part,
    /// What for.
    pub role: Role,
}

/// The runs of one figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The figure's name.
    pub name: String,
    /// The symbol of its unit.
    pub unit: String,
    /// By the subject's name, a value of each round.
    pub runs: BTreeMap<String, Vec<f64>>,
}

/// The machine, as far as it bears on the figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name for itself, and how many there are.
    pub processor: String,
    /// The kernel's version, and how it hands out huge pages.
    pub kernel: String,
    /// The compiler's version.
    pub compiler: String,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The day, as year-month-day.
    pub date: String,
    /// How many rounds have been run.
    pub rounds: usize,
    /// Where.
    pub machine: Machine,
    /// Who; ours first.
    pub subjects: Vec<Subject>,
    /// What, in the order of the workloads.
    pub figures: Vec<Measured>,
}

/// The middle of some values, or between the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The peer that leads in a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its median.
    pub value: f64,
}

impl Measured {
    /// The median of a subject's runs.
    pub fn median(&self, subject: &str) -> Option<f64> {
        median(self.runs.get(subject)?)
    }

    /// Whether more of it is better.
    pub fn more_is_better(&self) -> bool {
        self.unit == Unit::Percent.symbol()
    }
}

impl Results {
    /// The subjects of a part, in order.
    pub fn subjects_of(&self, part: Part) -> impl Iterator<Item = &Subject> {
        self.subjects.iter().filter(move |subject| subject.part == part)
    }

    /// The figure of a name.
    pub fn figure(&self, name: &str) -> Option<&Measured> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// The name of ours in a part.
    pub fn ours(&self, part: Part) -> Option<&str> {
        self.subjects_of(part).find(|subject| subject.role == Role::Ours).map(|subject| subject.name.as_str())
    }

    /// The best peer's median of a figure.
    pub fn best(&self, figure: &Measured) -> Option<Best<'_>> {
        let peers = self.subjects_of(Part::of(&figure.name)).filter(|subject| subject.role == Role::Peer);
        let medians =
            peers.filter_map(|peer| Some(Best { name: &peer.name, value: figure.median(&peer.name)? }));
        medians.reduce(|best, next| {
            let better =
                if figure.more_is_better() { next.value > best.value } else { next.value < best.value };
            if better { next } else { best }
        })
    }

    /// A subject's median over the best peer's, where that says something: not of shares in hundredths, which may be none.
    pub fn ratio(&self, figure: &Measured, subject: &str) -> Option<f64> {
        let best = self.best(figure)?;
        let ratio = figure.median(subject)? / best.value;
        (!figure.more_is_better() && best.value > 0.0 && ratio > 0.0).then_some(ratio)
    }

    /// How many rounds, in words.
    pub fn rounds_in_words(&self) -> String {
        if self.rounds == 1 { "one round".into() } else { format!("{} rounds", self.rounds) }
    }

    /// Adds a run of a figure.
    pub fn add(&mut self, name: &str, unit: &str, subject: &str, value: f64) {
        let place = self.figures.iter().position(|figure| figure.name == name).unwrap_or_else(|| {
            self.figures.push(Measured { name: name.into(), unit: unit.into(), runs: BTreeMap::new() });
            self.figures.len() - 1
        });
        self.figures[place].runs.entry(subject.into()).or_default().push(value);
    }
}

#[cfg(test)]
pub mod examples {
    //! Results made by hand.

    use super::*;

    /// Results of ours and two peers, in nanoseconds.
    pub fn results(figures: &[(&str, [f64; 3])]) -> Results {
        let figures: Vec<_> = figures.iter().map(|&(name, values)| (name, "ns", values)).collect();
        results_in(&figures)
    }

    /// The same in the units given.
    pub fn results_in(figures: &[(&str, &str, [f64; 3])]) -> Results {
        let subject = |name: &str, role, part| Subject {
            name: name.into(),
            version: format!("{name} 1.0 <test> & more"),
            part,
            role,
        };
        let mut results = Results {
            date: "2026-11-22".into(),
            rounds: 1,
            machine: Machine::default(),
            subjects: vec![
                subject("ntpool", Role::Ours, Part::Malloc),
                subject("glibc", Role::Peer, Part::Malloc),
                subject("other", Role::Peer, Part::Malloc),
                subject("ntpool", Role::Ours, Part::NoStd),
                subject("glibc", Role::Peer, Part::NoStd),
                subject("other", Role::Peer, Part::NoStd),
            ],
            figures: Vec::new(),
        };
        for (name, unit, values) in figures {
            for (subject, value) in ["ntpool", "glibc", "other"].into_iter().zip(values) {
                results.add(name, unit, subject, *value);
            }
        }
        results
    }
}

#[cfg(test)]
mod tests {
    use super::examples::{results, results_in};
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 100.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), Some(3.0));
    }

    #[test]
    fn the_best_is_a_peer_and_never_ours() {
        let results = results(&[("pair/malloc/64", [1.0, 9.0, 6.0])]);
        let figure = &results.figures[0];
        assert_eq!(results.best(figure), Some(Best { name: "other", value: 6.0 }));
        assert_eq!(results.ratio(figure, "glibc"), Some(1.5));
    }

    #[test]
    fn a_yardstick_is_not_the_best() {
        let mut results = results(&[("pair/malloc/64", [1.0, 9.0, 6.0])]);
        results.subjects[2].role = Role::Yardstick;
        assert_eq!(results.best(&results.figures[0]).map(|best| best.name), Some("glibc"));
    }

    #[test]
    fn of_what_is_given_back_more_is_better_and_has_no_ratio() {
        let results = results_in(&[("mem/kern/free90-returned", "%", [50.0, 0.0, 18.0])]);
        let figure = &results.figures[0];
        assert_eq!(results.best(figure).map(|best| best.name), Some("other"));
        assert_eq!(results.ratio(figure, "ntpool"), None);
    }

    #[test]
    fn results_survive_their_file() {
        let results = results(&[("pair/malloc/64", [1.0, 9.0, 6.0])]);
        let text = serde_json::to_string(&results).expect("serializes");
        assert_eq!(serde_json::from_str::<Results>(&text).expect("parses"), results);
    }
}
