//! A caller's crime, as a value.

use crate::{BugCheck, Rule, VirtualAddress};

/// What a caller did wrong: the rule broken, the stop Windows would make, and the address it is about.
///
/// The lower floors return a violation and change nothing; what to do about it is decided at the edges (the driver
/// host, a kernel, the malloc face).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule that was broken.
    pub rule: Rule,
    /// The bug check with its four parameters.
    pub bug_check: BugCheck,
    /// The block or other address that the violation is about.
    pub subject: VirtualAddress,
}
