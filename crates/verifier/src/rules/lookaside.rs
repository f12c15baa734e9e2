//! The rules for lookaside lists that Driver Verifier flags by itself.

use ntpool_types::{BugCheck, BugCheckCode, Bytes, Rule, Violation, VirtualAddress};

/// The smallest entry: an idle one holds a link, which is one pointer (LOOK-052).
pub const SMALLEST_ENTRY: Bytes = Bytes(8);

const fn verifier(rule: Rule, list: VirtualAddress, parameters: [u64; 4]) -> Violation {
    let bug_check = BugCheck::new(BugCheckCode::DRIVER_VERIFIER_DETECTED_VIOLATION, parameters);
    Violation { rule, bug_check, subject: list }
}

/// What is wrong with initializing a list that is live (LOOK-060).
#[must_use]
pub const fn initialized_twice(list: VirtualAddress) -> Violation {
    verifier(Rule::LookasideInitializedTwice, list, [0xCA, list.0, 0, 0])
}

/// What is wrong with deleting a list that is not live (LOOK-061).
#[must_use]
pub const fn deleted_uninitialized(list: VirtualAddress) -> Violation {
    verifier(Rule::LookasideNotInitialized, list, [0xCB, list.0, 0, 0])
}

/// What is wrong with freeing the pool block that begins at `start` and holds a live list (LOOK-062).
#[must_use]
pub const fn in_freed_pool(list: VirtualAddress, start: VirtualAddress, size: Bytes) -> Violation {
    verifier(Rule::LookasideInFreedPool, list, [0xCC, list.0, start.0, size.0])
}

/// What is wrong with a list's entries being of this size (LOOK-063).
#[must_use]
pub fn check_entry_size(list: VirtualAddress, size: Bytes) -> Option<Violation> {
    let parameters = [0xCD, list.0, size.0, SMALLEST_ENTRY.0];
    (size < SMALLEST_ENTRY).then(|| verifier(Rule::LookasideEntryTooSmall, list, parameters))
}

/// The stop for a driver whose image lies from `start` to `end` and that was unloaded with a live list (LOOK-064).
///
/// The stop's page gives no parameters for lists. As for what it does describe, the second is the object and the others
/// are the memory that was looked through; the first, a sub-code, is none that the page gives a meaning (our choice).
#[must_use]
pub const fn left(list: VirtualAddress, start: VirtualAddress, end: VirtualAddress) -> BugCheck {
    BugCheck::new(BugCheckCode::TIMER_OR_DPC_INVALID, [u64::MAX, list.0, start.0, end.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: VirtualAddress = VirtualAddress(0x2000_1000_4C40);
    const START: VirtualAddress = VirtualAddress(0x2000_1000_4C00);

    #[test]
    fn look_060_061_062_063_each_deed_has_its_sub_code_and_names_the_list() {
        let stops = [
            initialized_twice(LIST),
            deleted_uninitialized(LIST),
            in_freed_pool(LIST, START, Bytes(0x100)),
            check_entry_size(LIST, Bytes(7)).unwrap(),
        ];
        assert!(stops.iter().all(|stop| stop.subject == LIST && stop.bug_check.code == BugCheckCode(0xC4)));
        assert_eq!(
            stops.map(|stop| stop.bug_check.parameters),
            [
                [0xCA, LIST.0, 0, 0],
                [0xCB, LIST.0, 0, 0],
                [0xCC, LIST.0, START.0, 0x100],
                [0xCD, LIST.0, 7, 8],
            ]
        );
    }

    #[test]
    fn look_052_an_entry_of_a_pointers_size_is_large_enough() {
        assert_eq!(check_entry_size(LIST, Bytes(8)), None);
    }

    #[test]
    fn look_064_a_list_that_is_left_behind_is_c7() {
        assert_eq!(left(LIST, START, LIST).code, BugCheckCode(0xC7));
    }
}
