//! The goals of the project, and whether they were met in a run.
//!
//! A goal names figures and a limit that each of them must keep; the figure that is furthest from it counts. Timings scatter,
//! so a goal that is missed by less than they do is a tie. Nothing here decides whether anything passes.

use crate::peers::{SCUDO, SNMALLOC_CHECKS, UNCOUNTED};
use crate::results::{Measured, Part, Results};
use ntpool_bench_workloads::catalogue;
use regex::Regex;
use std::fmt;

/// What a figure may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// At most this many times the best peer's.
    TimesBest(f64),
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// At most this much more than a certain subject's.
    Over(f64, &'static str),
    /// At most this many times a certain subject's.
    Times(f64, &'static str),
    /// At most so many times another figure of ours.
    TimesOwn(f64, Other),
    /// Anything: only shown, as so many times another figure of ours.
    BesideOwn(Other),
    /// Measured elsewhere, or not at all; this says where or why.
    Elsewhere(&'static str),
}

/// Another figure: the same name with one part changed, and what that is in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    this: &'static str,
    other: &'static str,
    words: &'static str,
}

impl Other {
    /// The name of the figure that one is compared with.
    fn of(self, figure: &str) -> String {
        figure.replacen(self.this, self.other, 1)
    }
}

const ONE_THREAD: Other = Other { this: "pair2T", other: "pair1T", words: "one thread" };
const ONE_TAG: Other = Other { this: "live-tags", other: "live", words: "our live set of one tag" };
const NONPAGED: Other = Other { this: "paged-", other: "", words: "our nonpaged path" };

/// How much the figures of a goal scatter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scatter {
    /// Processor time of one thread.
    OneThread,
    /// Time on the wall of several.
    Threads,
    /// Bytes.
    Steady,
}

impl Scatter {
    /// Differences below this share mean nothing.
    pub const fn tie(self) -> f64 {
        match self {
            OneThread => 0.10,
            Threads => 0.25,
            Steady => 0.0,
        }
    }
}

/// A goal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// What it is about.
    pub name: &'static str,
    /// A pattern for the whole names of its figures.
    pub figures: &'static str,
    /// What each of them may be.
    pub limit: Limit,
    /// How much they scatter.
    pub scatter: Scatter,
}

const fn goal(name: &'static str, figures: &'static str, limit: Limit, scatter: Scatter) -> Goal {
    Goal { name, figures, limit, scatter }
}

use Limit::{AtLeast, AtMost, BesideOwn, Elsewhere, Over, Times, TimesBest, TimesOwn};
use Scatter::{OneThread, Steady, Threads};

/// The goals, in the order of the table. Zeroed is compared with zeroed, and tags are on.
pub const GOALS: [Goal; 47] = [
    goal("zeroed pair, 16 to 256 B", "pair/calloc/(16|64|256)", TimesBest(1.0), OneThread),
    goal("pair, 16 to 256 B", "pair/malloc/(16|64|256)", TimesBest(1.25), OneThread),
    goal("zeroed pair, 1 to 64 KiB", "pair/calloc/(1024|2048|4096|16384|65536)", TimesBest(1.0), OneThread),
    goal("pair, 1 to 64 KiB", "pair/malloc/(1024|2048|4096|16384|65536)", TimesBest(1.0), OneThread),
    goal("zeroed pair above 64 KiB", "pair/calloc/(131072|1048576)", TimesBest(1.0), OneThread),
    goal("pair above 64 KiB", "pair/malloc/(131072|1048576)", TimesBest(1.0), OneThread),
    goal("page-aligned 8 KiB", "aligned/4096/8192", TimesBest(1.0), OneThread),
    goal("zeroed live set", "live/calloc/kern/10+k", TimesBest(1.0), OneThread),
    goal("live set", "live/malloc/kern/10+k", TimesBest(1.0), OneThread),
    goal(
        "kernel heap: 300 tags, over tagless peers",
        "no-std/live-tags/malloc/kern/10+k",
        TimesBest(1.0),
        OneThread,
    ),
    goal(
        "kernel heap: 300 tags, over one tag",
        "no-std/live-tags/malloc/kern/10+k",
        BesideOwn(ONE_TAG),
        OneThread,
    ),
    goal("half the frees remote, zeroed", "shared2T/calloc/.*", TimesBest(1.0), Threads),
    goal("half the frees remote", "shared2T/malloc/.*", TimesBest(1.0), Threads),
    goal("eight threads, zeroed", "live8T/calloc/kern/10k", TimesBest(1.0), Threads),
    goal("eight threads", "live8T/malloc/kern/10k", TimesBest(1.0), Threads),
    goal("producer and consumer, zeroed", "prodcons(-sym)?/calloc/.*", TimesBest(1.0), Threads),
    goal("producer and consumer", "prodcons(-sym)?/malloc/.*", TimesBest(1.0), Threads),
    goal("burst, freed in any order", "burst/(malloc|calloc)/[^/]*/[^/]*", TimesBest(1.0), OneThread),
    goal("burst, cold", "burst/(malloc|calloc)/[^/]*/[^/]*/cold", TimesBest(1.2), OneThread),
    goal("realloc growth", "grow/.*", TimesBest(1.0), OneThread),
    goal("thread churn", "churn/.*", TimesBest(1.0), Threads),
    goal("kernel heap: paged pool", "no-std/paged-.*", TimesOwn(1.3, NONPAGED), OneThread),
    goal(
        "quota-charged path",
        "",
        Elsewhere("1.3 x an uncharged pair; `cargo bench -p ntpool` times both, in the driver host"),
        OneThread,
    ),
    goal("latency, zeroed: p99.9", "lat/calloc/kern/100k/alloc/p99[.]9", TimesBest(1.0), OneThread),
    goal("latency, zeroed: p99.9 of frees", "lat/calloc/kern/100k/free/p99[.]9", AtMost(300.0), OneThread),
    goal("accounting: pair, over our untagged build", "counted/pair/.*", Over(2.0, UNCOUNTED), OneThread),
    goal(
        "accounting: live sets, over our untagged build",
        "counted/live/.*",
        Times(1.1, UNCOUNTED),
        OneThread,
    ),
    goal("snapshot of 100,000 live blocks", "no-std/snapshot/kern/100k", AtMost(5000.0), OneThread),
    goal("two threads on one tag", "pair2T/malloc/64", TimesOwn(1.05, ONE_THREAD), Threads),
    goal("steady memory over live bytes", "mem/kern/steady", AtMost(1.17), Steady),
    goal("given back after freeing 90 %, kern", "mem/kern/free90-returned", AtLeast(50.0), Steady),
    goal("given back after freeing 90 %, small", "mem/small/free90-returned", AtLeast(40.0), Steady),
    goal("refill of the holes", "mem/(kern|small)/reuse720", TimesBest(1.0), Steady),
    goal("64 idle threads keep", "mem-threads/kern/kept", AtMost(10.0), Steady),
    goal("start-up memory over glibc's", "start/rss", Over(1.0, "glibc"), Steady),
    goal("checked mode, over snmalloc's", "checked/.*", Times(1.0, SNMALLOC_CHECKS), OneThread),
    goal("checked mode, over scudo", "checked/.*", Times(0.5, SCUDO), OneThread),
    goal(
        "kernel heap: zeroed pair, 16 to 256 B",
        "no-std/pair/calloc/(16|64|256)",
        TimesBest(0.4),
        OneThread,
    ),
    goal("kernel heap: pair, 16 to 256 B", "no-std/pair/malloc/(16|64|256)", TimesBest(0.4), OneThread),
    goal(
        "kernel heap: zeroed pair, 1 to 64 KiB",
        "no-std/pair/calloc/(1024|2048|4096|16384|65536)",
        TimesBest(0.4),
        OneThread,
    ),
    goal(
        "kernel heap: pair, 1 to 64 KiB",
        "no-std/pair/malloc/(1024|2048|4096|16384|65536)",
        TimesBest(0.4),
        OneThread,
    ),
    goal("kernel heap: zeroed live set, kern", "no-std/live/calloc/kern/10+k", TimesBest(0.4), OneThread),
    goal("kernel heap: live set, kern", "no-std/live/malloc/kern/10+k", TimesBest(0.4), OneThread),
    goal("kernel heap: zeroed live set, small", "no-std/live/calloc/small/10+k", TimesBest(0.4), OneThread),
    goal("kernel heap: live set, small", "no-std/live/malloc/small/10+k", TimesBest(0.4), OneThread),
    goal("kernel heap: zeroed burst", "no-std/burst/calloc/kern/[^/]*", TimesBest(0.4), OneThread),
    goal("kernel heap: burst", "no-std/burst/malloc/kern/[^/]*", TimesBest(0.4), OneThread),
];

/// What came of a goal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It was met.
    Met,
    /// It was missed by this share, which is within the scatter.
    Tie(f64),
    /// It was missed by this share.
    Missed(f64),
    /// There is no limit.
    Shown,
    /// It was not measured.
    Unmeasured(&'static str),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Met => write!(f, "met"),
            Verdict::Tie(share) => write!(f, "a tie ({:.0} % over)", share * 100.0),
            Verdict::Missed(share) if *share >= 9.995 => {
                write!(f, "missed: {:.0} times the limit", share + 1.0)
            }
            Verdict::Missed(share) => write!(f, "missed by {:.0} %", (share * 100.0).max(1.0)),
            Verdict::Shown => write!(f, "no goal, for comparison"),
            Verdict::Unmeasured(why) => write!(f, "not measured: {why}"),
        }
    }
}

impl fmt::Display for Goal {
    /// The limit in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = catalogue_unit(self);
        match self.limit {
            TimesBest(factor) => write!(f, "at most {factor} x best"),
            AtMost(most) => write!(f, "at most {most} {unit}"),
            AtLeast(least) => write!(f, "at least {least} {unit}"),
            Over(more, _) => write!(f, "at most {more} {unit} more"),
            Times(factor, subject) => write!(f, "at most {factor} x {subject}"),
            TimesOwn(factor, other) => write!(f, "at most {factor} x {}", other.words),
            BesideOwn(_) | Elsewhere(_) => write!(f, "-"),
        }
    }
}

/// What came of a goal in a run, and by which figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What came of it.
    pub verdict: Verdict,
    /// The figure that is furthest from the limit, as it is: a ratio, or the value with its unit.
    pub shown: String,
    /// That figure's name.
    pub figure: String,
    /// How many of the goal's figures were measured.
    pub measured: usize,
    /// How many it has.
    pub figures: usize,
}

/// All figures of all parts.
fn all_figures() -> Vec<catalogue::Figure> {
    catalogue::all().iter().flat_map(|workload| catalogue::figures(workload)).collect()
}

impl Goal {
    fn pattern(&self) -> Regex {
        Regex::new(&format!("^(?:{})$", self.figures)).expect("the goals' patterns are tested")
    }

    /// How many figures it has.
    pub fn figure_count(&self) -> usize {
        let pattern = self.pattern();
        all_figures().iter().filter(|figure| pattern.is_match(&figure.name)).count()
    }

    /// What came of it.
    pub fn outcome(&self, results: &Results) -> Outcome {
        let pattern = self.pattern();
        let mut outcome = Outcome {
            verdict: Verdict::Unmeasured("not in this run"),
            shown: "-".into(),
            figure: String::new(),
            measured: 0,
            figures: self.figure_count(),
        };
        if let Elsewhere(why) = self.limit {
            outcome.verdict = Verdict::Unmeasured(why);
            return outcome;
        }
        let mut worst = f64::NEG_INFINITY;
        for figure in results.figures.iter().filter(|figure| pattern.is_match(&figure.name)) {
            let Some(distance) = self.distance(results, figure) else { continue };
            outcome.measured += 1;
            if distance.over > worst {
                worst = distance.over;
                outcome.verdict = self.verdict(&distance);
                (outcome.shown, outcome.figure) = (distance.shown, figure.name.clone());
            }
        }
        outcome
    }

    fn verdict(&self, distance: &Distance) -> Verdict {
        let over = distance.over;
        if let BesideOwn(_) = self.limit {
            return Verdict::Shown;
        }
        // Less than a thousandth is how two floating point numbers that are the same differ.
        if over <= 0.001 {
            Verdict::Met
        } else if over < self.scatter.tie() * distance.scale {
            Verdict::Tie(over)
        } else {
            Verdict::Missed(over)
        }
    }

    /// How far a figure of ours is from the limit.
    fn distance(&self, results: &Results, figure: &Measured) -> Option<Distance> {
        let ours = results.ours(Part::of(&figure.name))?;
        let value = figure.median(ours)?;
        let plain = format!("{} {}", number(value), figure.unit);
        let at = |over, shown| Some(Distance { over, scale: 1.0, shown });
        let times = |other: String| Some(value / results.figure(&other)?.median(ours)?);
        match self.limit {
            TimesBest(factor) => {
                let (ratio, best) = (results.ratio(figure, ours)?, results.best(figure)?);
                at(ratio / factor - 1.0, format!("{} x {}", number(ratio), best.name))
            }
            AtMost(most) => at(value / most - 1.0, plain),
            AtLeast(least) => at(1.0 - value / least, plain),
            Over(more, subject) => {
                let difference = value - figure.median(subject)?;
                let shown = format!("{} {} more", number(difference), figure.unit);
                // What scatters are the two, not what is between them.
                Some(Distance { over: difference / more - 1.0, scale: value / more, shown })
            }
            Times(factor, subject) => {
                let ratio = value / figure.median(subject)?;
                at(ratio / factor - 1.0, format!("{} x {subject}", number(ratio)))
            }
            TimesOwn(factor, other) => {
                let name = other.of(&figure.name);
                let ratio = times(name.clone())?;
                at(ratio / factor - 1.0, format!("{} x {name}", number(ratio)))
            }
            BesideOwn(other) => {
                let ratio = times(other.of(&figure.name))?;
                at(ratio - 1.0, format!("{} x {}", number(ratio), other.words))
            }
            Elsewhere(_) => None,
        }
    }
}

/// How far a figure is from its limit.
struct Distance {
    /// By which share of the limit it is beyond it.
    over: f64,
    /// What a share of the figure is as a share of the limit: 1 when the limit is one for the whole figure.
    scale: f64,
    /// How the figure is shown.
    shown: String,
}

fn catalogue_unit(goal: &Goal) -> &'static str {
    let pattern = goal.pattern();
    all_figures()
        .iter()
        .find(|figure| pattern.is_match(&figure.name))
        .map_or("", |figure| figure.unit.symbol())
}

/// A number with three digits that count.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::examples::{results, results_in};

    fn named(name: &str) -> Goal {
        GOALS.into_iter().find(|goal| goal.name == name).expect("a goal of that name")
    }

    #[test]
    fn every_goal_that_is_measured_names_figures_that_exist() {
        for goal in GOALS {
            let elsewhere = matches!(goal.limit, Elsewhere(_));
            assert_eq!(goal.figure_count() == 0, elsewhere, "{}", goal.name);
            if let TimesOwn(_, other) | BesideOwn(other) = goal.limit {
                let all: Vec<String> = all_figures().into_iter().map(|figure| figure.name).collect();
                for name in all.iter().filter(|name| goal.pattern().is_match(name)) {
                    let other = other.of(name);
                    assert!(other != *name && all.contains(&other), "{other}");
                }
            }
        }
    }

    /// Results in which the others of a part have these names.
    fn among(names: [&str; 3], figures: &[(&str, [f64; 3])]) -> Results {
        let mut results = results(&[]);
        let part = Part::of(figures[0].0);
        for (subject, name) in results.subjects.iter_mut().zip(names) {
            (subject.part, subject.name) = (part, name.into());
        }
        results.subjects.truncate(3);
        for (figure, values) in figures {
            for (name, value) in names.into_iter().zip(values) {
                results.add(figure, "ns", name, *value);
            }
        }
        results
    }

    #[test]
    fn counting_is_compared_with_our_build_that_does_not() {
        let run = |pair, live| {
            among(
                ["ntpool", UNCOUNTED, "other"],
                &[
                    ("counted/pair/malloc/64", [pair, 8.0, 1.0]),
                    ("counted/live/malloc/kern/10k", [live, 20.0, 1.0]),
                ],
            )
        };
        let pair = |ours| named("accounting: pair, over our untagged build").outcome(&run(ours, 20.0));
        let met = pair(9.5);
        assert_eq!((met.verdict, met.shown.as_str()), (Verdict::Met, "1.50 ns more"));
        // A tenth of eleven nanoseconds is more than half a nanosecond, and less than two.
        assert_eq!(pair(10.5).verdict.to_string(), "a tie (25 % over)");
        assert_eq!(pair(12.0).verdict.to_string(), "missed by 100 %");
        let live = |ours| named("accounting: live sets, over our untagged build").outcome(&run(9.0, ours));
        assert_eq!(live(21.9).verdict, Verdict::Met);
        assert_eq!(live(33.0).verdict.to_string(), "missed by 50 %");
    }

    #[test]
    fn checking_is_compared_with_each_of_those_that_check() {
        let run =
            among(["ntpool", SNMALLOC_CHECKS, SCUDO], &[("checked/pair/malloc/64", [12.0, 10.0, 50.0])]);
        let missed = named("checked mode, over snmalloc's").outcome(&run);
        assert_eq!(
            (missed.verdict.to_string().as_str(), missed.shown.as_str()),
            ("missed by 20 %", "1.20 x snmalloc-checks")
        );
        let met = named("checked mode, over scudo").outcome(&run);
        assert_eq!((met.verdict, met.shown.as_str()), (Verdict::Met, "0.24 x scudo"));
    }

    #[test]
    fn paged_pool_is_compared_with_nonpaged_pool() {
        let run = results(&[
            ("no-std/pair/malloc/64", [10.0, 1.0, 1.0]),
            ("no-std/paged-pair/malloc/64", [16.9, 1.0, 1.0]),
        ]);
        let outcome = named("kernel heap: paged pool").outcome(&run);
        assert_eq!(outcome.verdict.to_string(), "missed by 30 %");
        assert_eq!(outcome.shown, "1.69 x no-std/pair/malloc/64");
    }

    #[test]
    fn what_has_no_limit_is_shown_for_comparison() {
        let run = results(&[
            ("no-std/live/malloc/kern/10k", [10.0, 1.0, 1.0]),
            ("no-std/live-tags/malloc/kern/10k", [15.0, 50.0, 40.0]),
        ]);
        let beside = named("kernel heap: 300 tags, over one tag").outcome(&run);
        assert_eq!(
            (beside.verdict.to_string().as_str(), beside.shown.as_str()),
            ("no goal, for comparison", "1.50 x our live set of one tag")
        );
        let peers = named("kernel heap: 300 tags, over tagless peers").outcome(&run);
        assert_eq!((peers.verdict, peers.shown.as_str()), (Verdict::Met, "0.38 x other"));
    }

    #[test]
    fn a_goal_is_met_when_every_figure_keeps_the_limit() {
        let results = results(&[("pair/malloc/16", [6.0, 9.0, 6.0]), ("pair/malloc/64", [7.5, 6.0, 9.0])]);
        let outcome = named("pair, 16 to 256 B").outcome(&results);
        assert_eq!(outcome.verdict, Verdict::Met);
        assert_eq!((outcome.shown.as_str(), outcome.figure.as_str()), ("1.25 x glibc", "pair/malloc/64"));
        assert_eq!((outcome.measured, outcome.figures), (2, 3));
    }

    #[test]
    fn the_figure_furthest_from_the_limit_counts() {
        let results = results(&[("pair/calloc/16", [6.0, 9.0, 6.0]), ("pair/calloc/64", [9.0, 6.0, 8.0])]);
        let outcome = named("zeroed pair, 16 to 256 B").outcome(&results);
        assert_eq!(outcome.verdict.to_string(), "missed by 50 %");
        assert_eq!(outcome.figure, "pair/calloc/64");
    }

    #[test]
    fn a_small_difference_is_a_tie_and_a_larger_one_too_with_threads() {
        let one = results(&[("aligned/4096/8192", [10.9, 10.0, 20.0])]);
        assert_eq!(named("page-aligned 8 KiB").outcome(&one).verdict.to_string(), "a tie (9 % over)");
        let one = results(&[("aligned/4096/8192", [11.5, 10.0, 20.0])]);
        assert_eq!(named("page-aligned 8 KiB").outcome(&one).verdict.to_string(), "missed by 15 %");
        let threads = results(&[("live8T/malloc/kern/10k", [11.5, 10.0, 20.0])]);
        assert_eq!(named("eight threads").outcome(&threads).verdict.to_string(), "a tie (15 % over)");
    }

    #[test]
    fn what_is_far_off_is_told_as_a_multiple() {
        let results = results(&[("aligned/4096/8192", [8000.0, 10.0, 20.0])]);
        let outcome = named("page-aligned 8 KiB").outcome(&results);
        assert_eq!(
            (outcome.verdict.to_string().as_str(), outcome.shown.as_str()),
            ("missed: 800 times the limit", "800 x glibc")
        );
    }

    #[test]
    fn memory_has_no_ties() {
        let results = results_in(&[("mem/kern/steady", "x", [1.18, 1.2, 1.3])]);
        let outcome = named("steady memory over live bytes").outcome(&results);
        assert_eq!(
            (outcome.verdict.to_string().as_str(), outcome.shown.as_str()),
            ("missed by 1 %", "1.18 x")
        );
    }

    #[test]
    fn what_shall_be_given_back_has_a_lower_limit() {
        let goal = named("given back after freeing 90 %, kern");
        let back = |share| results_in(&[("mem/kern/free90-returned", "%", [share, 0.0, 18.0])]);
        assert_eq!(goal.outcome(&back(55.0)).verdict, Verdict::Met);
        assert_eq!(goal.outcome(&back(40.0)).verdict.to_string(), "missed by 20 %");
        assert_eq!(goal.outcome(&back(0.0)).verdict.to_string(), "missed by 100 %");
    }

    #[test]
    fn start_up_memory_is_compared_with_the_c_librarys() {
        let goal = named("start-up memory over glibc's");
        let start = |ours| results_in(&[("start/rss", "MiB", [ours, 0.5, 0.1])]);
        assert_eq!(goal.outcome(&start(1.4)).verdict, Verdict::Met);
        let missed = goal.outcome(&start(2.0));
        assert_eq!(
            (missed.verdict.to_string().as_str(), missed.shown.as_str()),
            ("missed by 50 %", "1.50 MiB more")
        );
    }

    #[test]
    fn two_threads_on_one_tag_are_compared_with_one() {
        let goal = named("two threads on one tag");
        let results =
            results(&[("pair1T/malloc/64", [10.0, 1.0, 1.0]), ("pair2T/malloc/64", [14.0, 1.0, 1.0])]);
        assert_eq!(goal.outcome(&results).verdict.to_string(), "missed by 33 %");
    }

    #[test]
    fn what_was_not_run_is_not_met() {
        let outcome = named("thread churn").outcome(&results(&[]));
        assert_eq!(outcome.verdict, Verdict::Unmeasured("not in this run"));
    }

    #[test]
    fn limits_are_told_in_words() {
        assert_eq!(named("64 idle threads keep").to_string(), "at most 10 MiB");
        assert_eq!(named("pair, 16 to 256 B").to_string(), "at most 1.25 x best");
    }
}
