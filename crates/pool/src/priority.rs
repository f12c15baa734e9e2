//! Priorities: which requests are turned away before memory has run out, so that more important ones still succeed.
//!
//! The documentation says that a low request may fail as soon as the system runs low on memory, a normal one only when
//! it runs very low, and a high one only when memory has run out entirely (POOL-116 to POOL-118). It names no amounts
//! (UNCONFIRMED POOL-124); ours are an eighth and a thirty-second of what there may be, which the request must leave
//! free. A pure function of the pages in use: the engine knows nothing of it.
//!
//! A priority's number also says at which edge of its page special pool would place the block, to catch an overrun or an
//! underrun (POOL-120 to POOL-122). It only chooses the edge and never moves a request into special pool (POOL-123).

use crate::Usage;
use ntpool_types::{Bytes, PAGE_SIZE, PageCount};

/// How soon a request may fail, the soonest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// As soon as memory is low (POOL-116).
    Low,
    /// Only when memory is very low (POOL-117).
    Normal,
    /// Only when memory has run out (POOL-118).
    High,
}

/// The edge of its page at which a block of special pool lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The start: an access before the block leaves the page.
    Start,
    /// The end: an access behind the block leaves the page.
    End,
}

/// The priority of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// How soon the request may fail.
    pub urgency: Urgency,
    /// Where special pool would place the block, when the caller says it.
    pub edge: Option<Edge>,
}

impl Priority {
    /// The priority that callers pass as this number, or `None` when it is none of the nine.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Priority> {
        let urgency = match number & !0xF {
            0 => Urgency::Low,
            16 => Urgency::Normal,
            32 => Urgency::High,
            _ => return None,
        };
        let edge = match number & 0xF {
            0 => None,
            8 => Some(Edge::End),
            9 => Some(Edge::Start),
            _ => return None,
        };
        Some(Priority { urgency, edge })
    }

    /// Whether a request of `size` may go on with memory used like this.
    ///
    /// A request that may go on can still fail: for want of a run that is long enough, for example.
    #[must_use]
    pub fn admits(self, usage: &Usage, size: Bytes) -> bool {
        let share = match self.urgency {
            Urgency::Low => 8,
            Urgency::Normal => 32,
            Urgency::High => return true,
        };
        let pages = PageCount(size.0.div_ceil(PAGE_SIZE.0));
        let left = usage.limit.0.saturating_sub(usage.in_use.0).checked_sub(pages.0);
        left.is_some_and(|left| left >= usage.limit.0 / share)
    }
}

impl Edge {
    /// Where in its page a block of special pool lies, which ends at the page's end up to the granule (POOL-122).
    #[must_use]
    pub const fn offset(self, size: Bytes, granule: Bytes) -> Bytes {
        match self {
            Edge::Start => Bytes::ZERO,
            Edge::End => {
                let rounded = size.0.next_multiple_of(granule.0);
                Bytes(PAGE_SIZE.0.saturating_sub(rounded))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: Priority = Priority { urgency: Urgency::Low, edge: None };
    const NORMAL: Priority = Priority { urgency: Urgency::Normal, edge: None };
    const HIGH: Priority = Priority { urgency: Urgency::High, edge: None };

    fn used(in_use: u64) -> Usage {
        Usage { in_use: PageCount(in_use), committed: PageCount(in_use), limit: PageCount(320) }
    }

    fn admitted(in_use: u64) -> [bool; 3] {
        [LOW, NORMAL, HIGH].map(|priority| priority.admits(&used(in_use), PAGE_SIZE))
    }

    // POOL-116 POOL-117 POOL-118 POOL-120 POOL-121
    #[test]
    fn pool_120_121_the_nine_numbers_say_urgency_and_edge() {
        let numbers = [(0, Urgency::Low), (16, Urgency::Normal), (32, Urgency::High)];
        for (number, urgency) in numbers {
            let with = |edge| Some(Priority { urgency, edge });
            assert_eq!(Priority::from_number(number), with(None));
            assert_eq!(Priority::from_number(number + 8), with(Some(Edge::End)), "overrun");
            assert_eq!(Priority::from_number(number + 9), with(Some(Edge::Start)), "underrun");
        }
        assert_eq!((0..=u16::MAX).filter(|&n| Priority::from_number(n.into()).is_some()).count(), 9);
        assert_eq!(Priority::from_number(u32::MAX), None);
    }

    // POOL-116 POOL-124
    #[test]
    fn pool_116_124_a_low_request_leaves_an_eighth_free() {
        assert_eq!(admitted(279), [true, true, true]);
        assert_eq!(admitted(280), [false, true, true]);
    }

    // POOL-117 POOL-124
    #[test]
    fn pool_117_124_a_normal_request_leaves_a_thirty_second_free() {
        assert_eq!(admitted(309), [false, true, true]);
        assert_eq!(admitted(310), [false, false, true]);
    }

    #[test]
    fn pool_118_a_high_request_is_never_turned_away_beforehand() {
        assert_eq!(admitted(320), [false, false, true]);
        assert!(HIGH.admits(&used(320), Bytes(u64::MAX)));
    }

    #[test]
    fn pool_119_what_a_lower_priority_gets_a_higher_one_gets() {
        for in_use in 0..=320 {
            for size in [0, 1, 4096, 4097, 300 * 4096, u64::MAX] {
                let [low, normal, high] =
                    [LOW, NORMAL, HIGH].map(|priority| priority.admits(&used(in_use), Bytes(size)));
                assert!(low <= normal && normal <= high, "{in_use} pages in use, {size} bytes");
            }
        }
    }

    #[test]
    fn pool_122_an_underrun_block_starts_its_page_and_an_overrun_block_ends_it() {
        let granule = Bytes(16);
        assert_eq!(Edge::Start.offset(Bytes(100), granule), Bytes::ZERO);
        assert_eq!(Edge::End.offset(Bytes(100), granule), Bytes(4096 - 112));
        assert_eq!(Edge::End.offset(Bytes(112), granule), Bytes(4096 - 112));
        assert_eq!(Edge::End.offset(PAGE_SIZE, granule), Bytes::ZERO);
    }
}
