//! An outcome as JSON.

use crate::escape;
use ntpool_finding::Outcome;

/// Writes `outcome` as indented JSON, its fields in the order of the data model, with a line end at the end.
pub(crate) fn render(outcome: &Outcome) -> String {
    let json = serde_json::to_string_pretty(outcome)
        .expect("an outcome has neither maps with odd keys nor values that fail to serialise");
    escape::json(&json) + "\n"
}
