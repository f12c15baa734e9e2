//! Texts that live as long as the program, with the NUL that C wants behind them.

use crate::abi;
use ntpool_types::Rule;
use std::ffi::{CStr, CString};
use std::sync::LazyLock;

/// What a result means.
pub(crate) fn of_status(status: i32) -> &'static CStr {
    match status {
        abi::OK => c"it worked",
        abi::NO_MEMORY => c"the operating system has no memory of this size: ask for less",
        abi::TOO_SMALL => {
            c"the memory does not hold the pool's metadata and a page: give it ntpool_footprint bytes"
        }
        abi::BAD_ARGUMENT => c"an argument is NULL or a value that the header does not list",
        abi::VIOLATION => c"the free is no claim to a live block; it was refused and nothing has changed",
        abi::INCONSISTENT => c"the pool's metadata contradicts itself; the pool can't be used any more",
        _ => c"a number that is no result of this library",
    }
}

/// A rule's id, and what happened when it was broken.
pub(crate) fn of_rule(rule: Rule) -> (&'static CStr, &'static CStr) {
    static TEXTS: LazyLock<Vec<(Rule, CString, CString)>> = LazyLock::new(|| {
        // The rules' texts are constants of this project, and none has a NUL in it.
        let text = |text: &str| CString::new(text).unwrap_or_default();
        Rule::ALL.iter().map(|&rule| (rule, text(rule.id()), text(rule.title()))).collect()
    });
    let found = TEXTS.iter().find(|(known, ..)| *known == rule);
    found.map_or((c"", c""), |(_, id, title)| (id.as_c_str(), title.as_c_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_texts() {
        for &rule in Rule::ALL {
            let (id, title) = of_rule(rule);
            assert_eq!((id.to_str(), title.to_str()), (Ok(rule.id()), Ok(rule.title())));
        }
    }
}
