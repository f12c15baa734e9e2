//! The head: which driver, how it was run, and how far it came.

use super::row::{counted, row};
use crate::escape;
use ntpool_finding::{DeviceRecord, Outcome, Status};

/// As many digits of the image's SHA-256 as tell images apart by eye.
const SHORT_HASH: usize = 12;

/// Writes the head.
pub(super) fn head(outcome: &Outcome) -> String {
    let hash: String = outcome.driver.sha256.chars().take(SHORT_HASH).collect();
    let mut head = format!(
        "{}{}, sha256 {}, seed {}, ntpool {}\n",
        escape::text(&outcome.driver.name),
        if outcome.driver.embedded { " (the sample that ntpool brings along)" } else { "" },
        escape::text(&hash),
        outcome.seed.0,
        escape::text(&outcome.version),
    );
    head.push_str(&row("entry", &entry(outcome.driver_entry.as_ref())));
    for record in &outcome.devices {
        head.push_str(&row("device", &device(record)));
    }
    head.push_str(&row("unloaded", if outcome.unloaded { "yes" } else { "no" }));
    if let Some(bytes) = outcome.stack_used {
        head.push_str(&row("stack", &format!("at most {} of the kernel stack used", counted(bytes, "byte"))));
    }
    head
}

fn entry(status: Option<&Status>) -> String {
    match status {
        None => "DriverEntry did not return".to_owned(),
        Some(status) => {
            let verdict = if status.success { "" } else { ", a failure" };
            match &status.name {
                Some(name) => {
                    format!("DriverEntry returned {} ({}){verdict}", escape::text(name), status.value)
                }
                None => format!("DriverEntry returned {}{verdict}", status.value),
            }
        }
    }
}

fn device(record: &DeviceRecord) -> String {
    let name = record.name.as_deref().map_or_else(|| "without a name".to_owned(), escape::text);
    if record.links.is_empty() {
        return name;
    }
    let links: Vec<String> = record.links.iter().map(|link| escape::text(link)).collect();
    format!("{name}, linked as {}", links.join(", "))
}
