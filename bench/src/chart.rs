//! The chart: bars of ratios to the best peer, one group for each workload, ours in front.
//!
//! It brings its own ground, so it can be read on a light page and on a dark one, and turns dark where the reader prefers that.

use crate::results::{Part, Results, Role};
use std::fmt::Write;

/// The figures that are shown, in order, with what they are called there.
const MALLOC: [(&str, &str); 28] = [
    ("pair/malloc/16", "malloc + free, 16 B"),
    ("pair/malloc/64", "malloc + free, 64 B"),
    ("pair/malloc/1024", "malloc + free, 1 KiB"),
    ("pair/malloc/65536", "malloc + free, 64 KiB"),
    ("pair/malloc/1048576", "malloc + free, 1 MiB"),
    ("pair/calloc/16", "calloc + free, 16 B"),
    ("pair/calloc/64", "calloc + free, 64 B"),
    ("pair/calloc/1024", "calloc + free, 1 KiB"),
    ("pair/calloc/65536", "calloc + free, 64 KiB"),
    ("aligned/4096/8192", "page-aligned 8 KiB"),
    ("live/malloc/kern/10k", "10,000 live, mixed sizes"),
    ("live/malloc/kern/100k", "100,000 live"),
    ("live/calloc/kern/10k", "10,000 live, zeroed"),
    ("live/calloc/kern/100k", "100,000 live, zeroed"),
    ("shared2T/malloc/kern/100k", "half the frees remote"),
    ("shared2T/calloc/kern/100k", "half the frees remote, zeroed"),
    ("live8T/malloc/kern/10k", "eight threads"),
    ("live8T/calloc/kern/10k", "eight threads, zeroed"),
    ("prodcons/malloc/kern", "producer and consumer"),
    ("prodcons/calloc/kern", "producer and consumer, zeroed"),
    ("burst/malloc/kern/lifo", "burst, last freed first"),
    ("burst/malloc/kern/rand", "burst, freed at random"),
    ("burst/malloc/kern/rand/cold", "burst, first time"),
    ("grow/65536", "realloc to 64 KiB"),
    ("churn/malloc/kern", "thread churn"),
    ("lat/calloc/kern/100k/alloc/p99.9", "zeroed, slowest in 1,000"),
    ("mem/kern/steady", "memory over live bytes"),
    ("mem-threads/kern/kept", "kept by 64 idle threads"),
];

const NO_STD: [(&str, &str); 7] = [
    ("no-std/pair/malloc/64", "pair, 64 B"),
    ("no-std/pair/calloc/64", "zeroed pair, 64 B"),
    ("no-std/pair/calloc/4096", "zeroed pair, 4 KiB"),
    ("no-std/live/malloc/kern/10k", "10,000 live, mixed sizes"),
    ("no-std/live/malloc/kern/100k", "100,000 live"),
    ("no-std/live/calloc/kern/100k", "100,000 live, zeroed"),
    ("no-std/burst/malloc/kern/rand", "burst, freed at random"),
];

const WIDTH: f64 = 880.0;
const MARGIN: f64 = 24.0;
/// Where the bars begin, and where they are cut.
const LEFT: f64 = 230.0;
const RIGHT: f64 = 796.0;
/// The ratio at which they are cut.
const LONGEST: f64 = 4.0;
const OUR_BAR: f64 = 10.0;
const PEER_BAR: f64 = 5.0;
const BAR_GAP: f64 = 1.0;
const GROUP_GAP: f64 = 14.0;

/// The peers' colours, in their order; ours has one of its own.
const PEERS: [&str; 8] =
    ["#8c959f", "#5b9bd5", "#a58bd6", "#3fa796", "#86b95a", "#d1a33c", "#d487a6", "#b07d5a"];

const STYLE: &str = "\
text{font:12px system-ui,'Segoe UI','DejaVu Sans',sans-serif;fill:#1f2328}\
.title{font-size:15px;font-weight:600}\
.small{font-size:10px;fill:#59636e}\
.value{font-weight:600;paint-order:stroke;stroke:#fcfcfd;stroke-width:4px;stroke-linejoin:round}\
.ground{fill:#fcfcfd;stroke:#d1d9e0}\
.grid{stroke:#e3e7eb}\
.one{stroke:#1f2328;stroke-dasharray:4 3}\
.ours{fill:#d9480f}\
.break{stroke:#fcfcfd;stroke-width:3}\
@media(prefers-color-scheme:dark){\
text{fill:#e6edf3}\
.small{fill:#9198a1}\
.value{stroke:#161b22}\
.break{stroke:#161b22}\
.ground{fill:#161b22;stroke:#3d444d}\
.grid{stroke:#2b323b}\
.one{stroke:#e6edf3}\
.ours{fill:#ff7b39}}";

/// Draws the chart.
pub fn chart(results: &Results) -> String {
    let mut body = String::new();
    let mut y = MARGIN;
    section(&mut body, &mut y, results, Part::Malloc, "The pool as a process's malloc", &MALLOC);
    section(&mut body, &mut y, results, Part::NoStd, "The pool as a kernel's heap, single-threaded", &NO_STD);
    let note = format!(
        "{}; {}; {}. Shorter is better; 1 is the best peer of each row.",
        results.date, results.machine.processor, results.machine.kernel
    );
    label(&mut body, MARGIN, y, "small", "start", &note);
    let height = y + MARGIN - 6.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" \
         height=\"{height:.0}\" role=\"img\">\n<title>ntpool and other allocators: ratios to the best peer</title>\n\
         <style>{STYLE}</style>\n<rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"8\"/>\n\
         {body}</svg>\n",
        WIDTH - 1.0,
        height - 1.0
    )
}

/// Where the bar of a ratio ends.
fn at(ratio: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * ratio.clamp(0.0, LONGEST) / LONGEST
}

fn section(
    body: &mut String,
    y: &mut f64,
    results: &Results,
    part: Part,
    title: &str,
    rows: &[(&str, &str)],
) {
    let rows: Vec<_> = rows.iter().filter_map(|&(name, text)| Some((results.figure(name)?, text))).collect();
    // A yardstick is no allocator to compare with; it is in the tables.
    let mut subjects: Vec<_> =
        results.subjects_of(part).filter(|subject| subject.role != Role::Yardstick).collect();
    subjects.sort_by_key(|subject| subject.role != Role::Ours);
    if rows.is_empty() {
        return;
    }
    *y += 12.0;
    label(body, MARGIN, *y, "title", "start", title);
    *y += 22.0;
    legend(body, y, &subjects);
    *y += 24.0;
    let top = *y;
    let mut bars = String::new();
    for (figure, text) in rows {
        *y += GROUP_GAP / 2.0;
        let begin = *y;
        let mut peers = PEERS.iter().cycle();
        // The numbers of bars that are cut are higher than the bars, so neighbours take turns to stand further out.
        let mut indents = [0.0, 26.0].into_iter().cycle();
        for subject in &subjects {
            let ours = subject.role == Role::Ours;
            let thick = if ours { OUR_BAR } else { PEER_BAR };
            let fill = if ours {
                "class=\"ours\"".to_owned()
            } else {
                format!("fill=\"{}\"", peers.next().unwrap_or(&PEERS[0]))
            };
            if let Some(ratio) = results.ratio(figure, &subject.name) {
                let end = at(ratio);
                let _ = writeln!(
                    bars,
                    "<rect {fill} x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{thick}\"/>",
                    *y,
                    end - LEFT
                );
                if ratio > LONGEST {
                    let (from, to) = (end - 12.0, end - 8.0);
                    let (above, below) = (*y - 1.0, *y + thick + 1.0);
                    let _ = writeln!(
                        bars,
                        "<path class=\"break\" d=\"M{from:.1} {below:.1}L{to:.1} {above:.1}\"/>"
                    );
                }
                let value = if ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.0}") };
                if ours {
                    label(&mut bars, end + 5.0, *y + 9.0, "value", "start", &value);
                } else if ratio > LONGEST {
                    let x = end + 5.0 + indents.next().unwrap_or_default();
                    label(&mut bars, x, *y + 6.0, "small cut", "start", &value);
                }
            }
            *y += thick + BAR_GAP;
        }
        label(&mut bars, LEFT - 10.0, f64::midpoint(begin, *y) + 4.0, "", "end", text);
        *y += GROUP_GAP / 2.0;
    }
    grid(body, top, *y);
    body.push_str(&bars);
    *y += 30.0;
}

fn legend(body: &mut String, y: &mut f64, subjects: &[&crate::results::Subject]) {
    let mut x = MARGIN;
    let mut peers = PEERS.iter().cycle();
    for subject in subjects {
        let ours = subject.role == Role::Ours;
        let fill = if ours {
            "class=\"ours\"".to_owned()
        } else {
            format!("fill=\"{}\"", peers.next().unwrap_or(&PEERS[0]))
        };
        // About the width of a letter.
        let width = 22.0 + 7.2 * subject.name.chars().count() as f64 + 14.0;
        if x + width > WIDTH - MARGIN {
            x = MARGIN;
            *y += 18.0;
        }
        let _ = writeln!(
            body,
            "<rect {fill} x=\"{x:.1}\" y=\"{:.1}\" width=\"14\" height=\"10\" rx=\"2\"/>",
            *y - 9.0
        );
        label(body, x + 19.0, *y, if ours { "value" } else { "" }, "start", &subject.name);
        x += width;
    }
}

fn grid(body: &mut String, top: f64, bottom: f64) {
    for ratio in 0..=LONGEST as u32 {
        let x = at(f64::from(ratio));
        let class = if ratio == 1 { "one" } else { "grid" };
        let _ = writeln!(
            body,
            "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>"
        );
        let text = if ratio == 1 { "best peer".to_owned() } else { format!("{ratio} x") };
        label(body, x, top - 6.0, "small", "middle", &text);
    }
}

fn label(body: &mut String, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
    let _ = writeln!(
        body,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{}</text>",
        escaped(text)
    );
}

/// Text that XML takes for text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::examples::results;
    use ntpool_bench_workloads::catalogue;
    use roxmltree::Document;

    fn bars(document: &Document) -> usize {
        document
            .descendants()
            .filter(|node| node.has_tag_name("rect") && node.attribute("rx").is_none())
            .count()
    }

    #[test]
    fn the_chart_is_well_formed_whatever_the_names() {
        let mut results = results(&[("pair/malloc/64", [7.5, 900.0, 6.0])]);
        results.subjects[1].name = "a<b&\"c\">'".into();
        results.figures[0].runs.insert("a<b&\"c\">'".into(), vec![9.0]);
        let svg = chart(&results);
        let document = Document::parse(&svg).expect("well-formed XML");
        assert_eq!(document.root_element().tag_name().namespace(), Some("http://www.w3.org/2000/svg"));
        assert_eq!(bars(&document), 3);
    }

    #[test]
    fn each_row_has_a_bar_for_each_that_was_measured() {
        let results = results(&[
            ("pair/malloc/64", [7.5, 9.0, 6.0]),
            ("no-std/pair/malloc/64", [7.5, 9.0, 6.0]),
            ("burst/malloc/kern/rand/alloc", [7.5, 9.0, 6.0]),
        ]);
        let svg = chart(&results);
        assert_eq!(
            bars(&Document::parse(&svg).expect("well-formed XML")),
            6,
            "figures that are not shown have none"
        );
    }

    #[test]
    fn a_bar_that_is_too_long_is_cut_and_says_so() {
        let svg = chart(&results(&[("pair/malloc/64", [7.5, 300.0, 6.0])]));
        let document = Document::parse(&svg).expect("well-formed XML");
        let cut = |node: &roxmltree::Node| node.attribute("class") == Some("small cut");
        let cut: Vec<_> = document.descendants().filter(cut).filter_map(|node| node.text()).collect();
        assert_eq!(cut, ["50"]);
        let widest = document
            .descendants()
            .filter(|node| node.has_tag_name("rect") && node.attribute("rx").is_none())
            .filter_map(|node| node.attribute("width")?.parse::<f64>().ok())
            .fold(0.0, f64::max);
        assert!(widest <= RIGHT - LEFT, "{widest}");
    }

    #[test]
    fn an_empty_run_makes_an_empty_chart() {
        let svg = chart(&results(&[]));
        assert_eq!(bars(&Document::parse(&svg).expect("well-formed XML")), 0);
    }

    #[test]
    fn every_row_is_a_figure_that_exists() {
        let no_std = catalogue::no_std().into_iter().map(|name| format!("{}{name}", catalogue::NO_STD));
        let all: Vec<_> = catalogue::malloc()
            .into_iter()
            .chain(no_std)
            .flat_map(|name| catalogue::figures(&name))
            .collect();
        for (name, _) in MALLOC.into_iter().chain(NO_STD) {
            assert!(all.iter().any(|figure| figure.name == name), "{name}");
        }
    }
}
