//! Outcomes as people and programs read them: text for a terminal or a log, JSON for a script.
//!
//! This crate knows only the data model of `ntpool-finding`. Every string in an outcome may come from a hostile
//! driver, so none reaches the output before it has passed through one of the two functions of `escape`: no driver
//! can move the cursor of whoever reads about it, or add a line that ntpool did not write.
//!
//! ```
//! use ntpool_finding::{DriverRecord, Outcome};
//! use ntpool_report::{Format, Style, render};
//!
//! let driver = DriverRecord { name: "sample.sys".into(), sha256: "00ff".into(), embedded: true };
//! let outcome = Outcome::new(driver, 42, "ntpool run sample.sys --seed 42".into());
//! let text = render(&outcome, Format::Text, Style::default());
//! assert!(text.ends_with("no findings\nleft: nothing\n"));
//! ```
#![forbid(unsafe_code)]

mod escape;
mod format;
mod json;
mod style;
mod text;

pub use format::{Format, UnknownFormat};
pub use style::Style;

use ntpool_finding::Outcome;

/// Writes `outcome` in `format`; the result ends with a line end.
///
/// `style` matters to the text only: JSON looks the same everywhere.
#[must_use]
pub fn render(outcome: &Outcome, format: Format, style: Style) -> String {
    match format {
        Format::Text => text::render(outcome, style),
        Format::Json => json::render(outcome),
    }
}
