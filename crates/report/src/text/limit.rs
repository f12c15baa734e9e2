//! A limit: why the run says less than it could.

use super::frames::{self, SourceRoot};
use super::row::wrapped;
use crate::escape;
use crate::style::{Style, Tone};
use ntpool_finding::{Limit, LimitKind};

/// Writes a limit with the stacks that show where the driver was.
pub(super) fn limit(limit: &Limit, root: &SourceRoot, style: Style) -> String {
    let kind = match limit.kind {
        LimitKind::MissingExport => "missing export",
        LimitKind::RefusedExport => "refused export",
        LimitKind::EntryFailed => "entry failed",
        LimitKind::Host => "host",
    };
    let prose = wrapped(&format!("limit, {kind}: {}", escape::text(&limit.message)), style.width);
    let mut lines = style.paint(Tone::Warn, prose.trim_end()) + "\n";
    lines.push_str(&frames::rows(&limit.stacks, root, None, style.width));
    lines
}
