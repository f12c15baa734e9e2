//! The structures and numbers of the header.

use core::ffi::{c_char, c_void};
use ntpool_heap::{Block, PoolKind, Shares, TagCount, Usage, Violation};
use std::ptr;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        $($(#[$doc])* pub const $name: i32 = $value;)*
    };
}

numbers! {
    /// It worked.
    OK = 0;
    /// The operating system has no memory of this size.
    NO_MEMORY = 1;
    /// The memory given does not hold a pool.
    TOO_SMALL = 2;
    /// An argument is NULL or a value that the header does not list.
    BAD_ARGUMENT = 3;
    /// The free is no claim to a live block.
    VIOLATION = 4;
    /// The pool's metadata contradicts itself.
    INCONSISTENT = 5;

    /// Always resident, never executable.
    NONPAGED = 0;
    /// Always resident and executable.
    NONPAGED_EXECUTE = 1;
    /// May be out on disk.
    PAGED = 2;

    /// A live block.
    PLACE_LIVE = 0;
    /// A block that was freed.
    PLACE_FREED = 1;
    /// Memory of the pool that belongs to no block.
    PLACE_UNUSED = 2;
    /// The pool's own metadata.
    PLACE_METADATA = 3;
    /// Nothing of this pool.
    PLACE_OUTSIDE = 4;
}

/// No tag.
pub const NO_TAG: u32 = 0;

/// How a pool's pages are divided between the kinds.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the kinds' proportions")]
pub struct SharesOf {
    pub nonpaged: u32,
    pub nonpaged_execute: u32,
    pub paged: u32,
}

impl SharesOf {
    /// The shares, unless all are zero.
    #[must_use]
    pub fn checked(self) -> Option<Shares> {
        let SharesOf { nonpaged, nonpaged_execute, paged } = self;
        (nonpaged | nonpaged_execute | paged != 0).then(|| Shares::new(nonpaged, nonpaged_execute, paged))
    }
}

/// A block.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockOf {
    /// Its first byte.
    pub address: *mut c_void,
    /// The bytes that were asked for.
    pub size: usize,
    /// Its kind's number.
    pub kind: i32,
    /// Its tag.
    pub tag: u32,
}

impl From<Block> for BlockOf {
    fn from(block: Block) -> BlockOf {
        BlockOf {
            address: ptr::with_exposed_provenance_mut(block.address.0 as usize),
            size: block.size.as_usize(),
            kind: number(block.kind),
            tag: block.tag.0,
        }
    }
}

/// The counters of one tag in one kind of pool.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagCountOf {
    /// The tag.
    pub tag: u32,
    /// The kind's number.
    pub kind: i32,
    /// Allocations so far.
    pub allocations: u64,
    /// Frees so far.
    pub frees: u64,
    /// The bytes in live blocks.
    pub bytes: u64,
}

impl From<TagCount> for TagCountOf {
    fn from(count: TagCount) -> TagCountOf {
        TagCountOf {
            tag: count.tag.0,
            kind: number(count.kind),
            allocations: count.allocations,
            frees: count.frees,
            bytes: count.bytes.0,
        }
    }
}

/// The pages of one kind of pool.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageOf {
    /// Pages with at least one live block.
    pub in_use: u64,
    /// Pages that were ever in use.
    pub committed: u64,
    /// Pages that may be in use at most.
    pub limit: u64,
}

impl From<Usage> for UsageOf {
    fn from(usage: Usage) -> UsageOf {
        UsageOf { in_use: usage.in_use.0, committed: usage.committed.0, limit: usage.limit.0 }
    }
}

/// The outcome of a free.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViolationOf {
    /// [`OK`], [`VIOLATION`] or [`BAD_ARGUMENT`].
    pub status: i32,
    /// The bug check's code.
    pub bug_check: u32,
    /// The bug check's parameters.
    pub parameters: [u64; 4],
    /// The address that the violation is about.
    pub subject: u64,
    /// The rule's id.
    pub rule: *const c_char,
    /// What happened.
    pub title: *const c_char,
}

impl ViolationOf {
    /// An outcome that is no violation.
    #[must_use]
    pub const fn none(status: i32) -> ViolationOf {
        let (rule, title) = (ptr::null(), ptr::null());
        ViolationOf { status, bug_check: 0, parameters: [0; 4], subject: 0, rule, title }
    }
}

impl From<Violation> for ViolationOf {
    fn from(violation: Violation) -> ViolationOf {
        let (rule, title) = crate::texts::of_rule(violation.rule);
        ViolationOf {
            status: VIOLATION,
            bug_check: violation.bug_check.code.0,
            parameters: violation.bug_check.parameters,
            subject: violation.subject.0,
            rule: rule.as_ptr(),
            title: title.as_ptr(),
        }
    }
}

/// The kind with this number.
#[must_use]
pub fn kind(number: i32) -> Option<PoolKind> {
    PoolKind::ALL.into_iter().find(|&kind| self::number(kind) == number)
}

/// The number of a kind.
#[must_use]
pub const fn number(kind: PoolKind) -> i32 {
    match kind {
        PoolKind::NonPaged => NONPAGED,
        PoolKind::NonPagedExecute => NONPAGED_EXECUTE,
        PoolKind::Paged => PAGED,
    }
}
