//! Where and when: the machine, the day, the versions of what is installed.

use crate::builder;
use crate::process::first_line;
use crate::results::Machine;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

/// This machine.
pub fn machine() -> Machine {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = thread::available_parallelism().map_or(1, usize::from);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let huge = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let huge = huge.split(['[', ']']).nth(1).unwrap_or("not there");
    Machine {
        processor: format!("{count} x {}", model.map_or("an unnamed processor", |(_, name)| name)),
        // What follows the number is its builder's name for it.
        kernel: format!(
            "Linux {}, transparent huge pages: {huge}",
            release.trim().split('-').next().unwrap_or("")
        ),
        compiler: first_line(Command::new("rustc").arg("--version")).unwrap_or_default(),
    }
}

/// The C library's version.
pub fn c_library() -> String {
    first_line(Command::new("getconf").arg("GNU_LIBC_VERSION")).unwrap_or_else(|| "the C library".into())
}

/// The version of an installed Debian package.
pub fn package_version(package: &str) -> Option<String> {
    first_line(Command::new("dpkg-query").args(["-W", "-f=${Version}\n", package]))
}

/// The project's own version: its commit, and whether the pool differs from it.
pub fn own_version() -> String {
    const OURS: [&str; 4] = ["crates/types", "crates/pool", "crates/malloc", "Cargo.toml"];
    let git = |arguments: &[&str]| {
        first_line(Command::new("git").arg("-C").arg(builder::project()).args(arguments))
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else { return "no commit".into() };
    let changed = git(&[&["status", "--porcelain", "--"], &OURS[..]].concat());
    let changed = if changed.is_some_and(|line| !line.is_empty()) { ", with changes" } else { "" };
    format!("commit {commit}{changed}")
}

/// Today, in UTC, as year-month-day.
pub fn today() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    date(since.as_secs() / (24 * 60 * 60))
}

/// The day that begins so many days after the first of January 1970.
fn date(mut days: u64) -> String {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let months = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= months[month] {
        days -= months[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(59), "1970-03-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(11_016 + 306), "2000-12-31");
        assert_eq!(date(20_779), "2026-11-22");
    }
}
