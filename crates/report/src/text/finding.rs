//! A finding: the headline and the rows that explain it.

use super::frames::{self, SourceRoot};
use super::row::{counted, row};
use crate::escape;
use crate::style::{Style, Tone};
use ntpool_finding::{Block, Finding, Phase};

/// Writes a finding.
pub(super) fn finding(finding: &Finding, root: &SourceRoot, style: Style) -> String {
    let headline = format!("{}: {}", escape::text(&finding.rule), escape::text(&finding.message));
    let mut lines = style.paint(Tone::Bad, &headline) + "\n";
    if let Some(described) = &finding.block {
        lines.push_str(&row("block", &block(described)));
    }
    match finding.bytes {
        Some(bytes) => {
            let left = format!("{}, {}", counted(finding.count, "block"), counted(bytes, "byte"));
            lines.push_str(&row("left", &left));
        }
        None if finding.count > 1 => lines.push_str(&row("count", &counted(finding.count, "time"))),
        None => {}
    }
    let circumstances = circumstances(finding);
    lines.push_str(&frames::rows(&finding.stacks, root, Some(&circumstances), style.width));
    if let Some(stop) = stop(finding) {
        lines.push_str(&row("Windows", &stop));
    }
    lines.push_str(&row("repeat", &escape::text(&finding.repeat)));
    lines
}

fn block(block: &Block) -> String {
    let size = counted(block.size, "byte");
    format!("{}, {size}, {}, tag '{}'", block.address, escape::text(&block.kind), escape::text(&block.tag))
}

/// What the driver was doing, where and when.
fn circumstances(finding: &Finding) -> String {
    let phase = match finding.phase {
        Phase::Load => "load",
        Phase::DriverEntry => "DriverEntry",
        Phase::Unload => "unload",
        Phase::Idle => "idle",
        Phase::SystemThread => "system thread",
        Phase::WorkItem => "work item",
        Phase::Dpc => "deferred procedure call",
        Phase::Interrupt => "interrupt",
        Phase::AfterUnload => "after unload",
    };
    let (processor, irql) = (finding.processor, finding.irql);
    format!("{phase}, processor {processor}, IRQL {irql}, {}", milliseconds(finding.time))
}

/// The stop that Windows would make, as the blue screen and the debugger show it.
fn stop(finding: &Finding) -> Option<String> {
    let mut stop = format!("BUG CHECK {:#X}", finding.bug_check?.0);
    if let Some(name) = &finding.name {
        stop.push(' ');
        stop.push_str(&escape::text(name));
    }
    if let Some([one, two, three, four]) = finding.parameters {
        stop.push_str(&format!(" ({one}, {two}, {three}, {four})"));
    }
    if let Some(model) = &finding.model {
        stop.push(' ');
        stop.push_str(&escape::text(model));
    }
    Some(stop)
}

/// A time in units of 100 ns as milliseconds, with as many digits as it has and at least one.
fn milliseconds(time: u64) -> String {
    let fraction = format!("{:04}", time % 10_000);
    let fraction = fraction.trim_end_matches('0');
    format!("{}.{} ms", time / 10_000, if fraction.is_empty() { "0" } else { fraction })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_milliseconds() {
        assert_eq!(milliseconds(0), "0.0 ms");
        assert_eq!(milliseconds(3), "0.0003 ms");
        assert_eq!(milliseconds(124_000), "12.4 ms");
        assert_eq!(milliseconds(u64::MAX), "1844674407370955.1615 ms");
    }
}
