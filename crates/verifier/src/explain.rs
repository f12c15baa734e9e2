//! What a memory fault means: the rule it breaks, the stop Windows makes, and its cause in words.
//!
//! Windows tells faults apart by three questions, in this order:
//!
//! 1. *Can the address be an address?* If not, the processor traps before it looks at any page, and Windows sees an
//!    access violation whose address it reports as all ones (MACH-015).
//! 2. *Is a page there that forbids the access?* Writing to read-only system memory and executing what is not code
//!    are stops of their own, whatever the level and whatever handlers there are (MACH-011, MACH-012, POOL-143). So
//!    is the guard page of a kernel stack (MACH-032).
//! 3. *May a page fault be served?* Not at DISPATCH_LEVEL or above (MACH-006, MACH-013, MACH-014). Below, a
//!    user-range address is an exception that handlers are asked about (MACH-004, MACH-005), and a bad system address
//!    is a stop (MACH-007).
//!
//! [`exception_of`] says whether handlers are asked; [`explain`] is for a fault that nobody handled.

use core::fmt;
use ntpool_types::{
    BugCheck, BugCheckCode, Bytes, Irql, NtStatus, PAGE_SIZE, PoolKind, Rule, Tag, Violation, VirtualAddress,
};

/// Addresses below this one are shown as NULL and an offset: no process owns them either
/// (the headers' lowest user address, MACH-023).
const NULL_REGION_END: VirtualAddress = VirtualAddress(0x1_0000);

/// How far behind a block's end an access counts as an overrun of that block: a guess grows worse with distance, and
/// a page is as far as one step beyond a block that ends with its page can lead.
const OVERRUN_REACH: Bytes = PAGE_SIZE;

/// What the instruction tried to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read.
    Read,
    /// Write.
    Write,
    /// Fetch an instruction.
    Execute,
}

impl Access {
    /// The number in an access violation's first parameter, and in the stops for a raised level (VRF-122, VRF-123).
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Access::Read => 0,
            Access::Write => 1,
            Access::Execute => 8,
        }
    }

    /// The number in the stop for a bad system address (VRF-124).
    const fn page_fault_number(self) -> u64 {
        match self {
            Access::Read => 0,
            Access::Write => 2,
            Access::Execute => 0x10,
        }
    }
}

/// A memory fault as the processor reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The address that was accessed, or the best guess where the processor does not tell.
    pub address: VirtualAddress,
    /// What was tried.
    pub access: Access,
    /// The processor's level at that moment.
    pub irql: Irql,
    /// The instruction that tried.
    pub instruction: VirtualAddress,
    /// Whether it is one of the driver's, rather than the kernel's on the driver's behalf.
    pub in_driver: bool,
    /// Whether the processor refused the address as such.
    pub non_canonical: bool,
    /// The contents of the page table entry, when a page is there and forbids the access.
    pub entry: Option<u64>,
}

/// A pool block, as far as a sentence about it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its first byte.
    pub address: VirtualAddress,
    /// The bytes that were asked for.
    pub size: Bytes,
    /// The kind of pool.
    pub kind: PoolKind,
    /// Its tag.
    pub tag: Tag,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Block { address, size, kind, tag } = self;
        write!(f, "the {kind} block at {address} ({size}, tag '{tag}')")
    }
}

/// What lies at an address of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupant<'a> {
    /// User space.
    User,
    /// A section of a loaded image.
    Image {
        /// Its name.
        section: &'a str,
        /// Whether it was discarded after initialization.
        discarded: bool,
        /// Whether it may be written.
        writable: bool,
    },
    /// Memory of a block that was freed and that nobody has been given since.
    FreedPool(Block),
    /// Memory of this live block, or of the rest of its page.
    LivePool(Block),
    /// Memory of this live block of secure pool, which drivers may only read.
    SecurePool(Block),
    /// The page below a kernel stack.
    StackGuard,
    /// A kernel stack.
    Stack,
    /// The machine's own view of physical memory.
    DirectMap,
    /// The pool's records.
    Metadata,
    /// The page that is there to be never valid.
    BadPointer,
    /// Nothing.
    Unmapped,
}

/// What the machine knows about its addresses.
pub trait AddressMap {
    /// What lies at `address`.
    fn what_is(&self, address: VirtualAddress) -> Occupant<'_>;

    /// The live block that ends nearest before `address`.
    fn block_below(&self, address: VirtualAddress) -> Option<Block>;
}

/// Why the address was a bad one, as half a sentence: "... accessed NULL plus 0x18".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause<'a> {
    /// A null pointer and an offset: a member of a structure that is not there.
    NullPlus(Bytes),
    /// A null pointer less an offset: the structure around a member that is not there.
    NullMinus(Bytes),
    /// Another address in user space.
    User(VirtualAddress),
    /// No address at all.
    NonCanonical(VirtualAddress),
    /// So many bytes into a freed block.
    Freed(Bytes, Block),
    /// So many bytes after the end of a live block.
    PastEnd(Bytes, Block),
    /// So many bytes into a live block.
    Inside(Bytes, Block),
    /// So many bytes into a block of secure pool.
    Secure(Bytes, Block),
    /// A section that was discarded after initialization.
    DiscardedSection(&'a str),
    /// A section that is there and does not allow the access, which was this.
    Section(&'a str, Access),
    /// A kernel stack.
    Stack,
    /// The page below a kernel stack.
    StackGuard,
    /// The machine's own view of physical memory.
    DirectMap,
    /// The pool's records.
    Metadata,
    /// So many bytes into the page that is there to be never valid.
    BadPointer(Bytes),
    /// An address where nothing lies.
    Nothing(VirtualAddress),
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Cause::NullPlus(Bytes::ZERO) => f.write_str("NULL"),
            Cause::NullPlus(offset) => write!(f, "NULL plus {:#x}", offset.0),
            Cause::NullMinus(offset) => write!(f, "NULL minus {:#x}", offset.0),
            Cause::User(address) => write!(f, "{address}, a user-range address that no process owns"),
            Cause::NonCanonical(address) if address.is_canonical() => {
                f.write_str("a pointer whose upper bits are neither all zero nor all one")
            }
            Cause::NonCanonical(address) => {
                write!(f, "{address}, whose upper bits are neither all zero nor all one")
            }
            Cause::Freed(offset, block) => write!(f, "{offset} into {block}, which has been freed"),
            Cause::PastEnd(Bytes::ZERO, block) => write!(f, "the first byte past the end of {block}"),
            Cause::PastEnd(distance, block) => write!(f, "{distance} past the end of {block}"),
            Cause::Inside(offset, block) => write!(f, "{offset} into {block}"),
            Cause::Secure(offset, block) => write!(f, "{offset} into {block}, which is secure pool,"),
            Cause::DiscardedSection(section) => {
                write!(f, "the {section} section, which is gone after DriverEntry")
            }
            Cause::Section(section, Access::Write) => write!(f, "the {section} section, which is read-only"),
            Cause::Section(section, Access::Execute) => {
                write!(f, "the {section} section, which holds no code")
            }
            Cause::Section(section, Access::Read) => write!(f, "the {section} section"),
            Cause::Stack => f.write_str("a kernel stack"),
            Cause::StackGuard => f.write_str("the guard page below the kernel stack"),
            Cause::DirectMap => f.write_str("the machine's own view of physical memory"),
            Cause::Metadata => f.write_str("the pool's own records"),
            Cause::BadPointer(Bytes::ZERO) => f.write_str("the pointer that is never valid"),
            Cause::BadPointer(offset) => write!(f, "the pointer that is never valid plus {:#x}", offset.0),
            Cause::Nothing(address) => write!(f, "{address}, where nothing lies"),
        }
    }
}

/// What a fault means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// The rule, the stop and the address.
    pub violation: Violation,
    /// Why the address was a bad one.
    pub cause: Cause<'a>,
}

/// An access violation as a handler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryException {
    /// The exception's code.
    pub code: NtStatus,
    /// Its two parameters: 0 for a read, 1 for a write and 8 for an instruction, and the address.
    pub parameters: [u64; 2],
}

/// The exception that a fault is, or `None` for one that is a stop of its own. At DISPATCH_LEVEL and above the first kind
/// is left for addresses that are none, which are no page faults; nobody is asked about it there.
///
/// MACH-004 MACH-005 (user range), MACH-007 (bad system addresses), MACH-013 (raised levels), MACH-015 (addresses that
/// are none: a read of all ones, whatever was tried).
#[must_use]
pub fn exception_of(fault: &Fault) -> Option<MemoryException> {
    let parameters = if fault.non_canonical {
        [Access::Read.number(), u64::MAX]
    } else if fault.address.is_user() && fault.irql < Irql::DISPATCH {
        [fault.access.number(), fault.address.0]
    } else {
        return None;
    };
    Some(MemoryException { code: NtStatus::ACCESS_VIOLATION, parameters })
}

/// The stop for an exception that nobody handled in a system thread, where drivers are entered and unloaded
/// (MACH-026, MACH-030): the code, the instruction, and no records, since this machine keeps none (MACH-027).
///
/// The code is widened as a signed number. MACH-029 gives that for 0x1E; that it holds for 0x7E too is our choice,
/// made because both stops pass the code of the same exception record.
#[must_use]
pub const fn unhandled_exception(code: NtStatus, instruction: VirtualAddress) -> BugCheck {
    let code = code.0.cast_signed() as i64;
    BugCheck::new(
        BugCheckCode::SYSTEM_THREAD_EXCEPTION_NOT_HANDLED,
        [code.cast_unsigned(), instruction.0, 0, 0],
    )
}

/// Explains a fault in a system thread that nobody handled.
#[must_use]
pub fn explain<'a>(fault: &Fault, map: &'a impl AddressMap) -> Explanation<'a> {
    let occupant = map.what_is(fault.address);
    let cause = cause_of(fault, occupant, map);
    let (rule, bug_check) = stop_for(fault, occupant);
    Explanation { violation: Violation { rule, bug_check, subject: fault.address }, cause }
}

fn stop_for(fault: &Fault, occupant: Occupant<'_>) -> (Rule, BugCheck) {
    let Fault { address, access, irql, instruction, .. } = *fault;
    let system_address = !address.is_user();

    if fault.non_canonical {
        // A trap of the processor, not a page fault: the level does not change what it is dispatched as.
        let stop = unhandled_exception(NtStatus::ACCESS_VIOLATION, instruction);
        return (Rule::MemoryNonCanonical, stop);
    }
    if occupant == Occupant::StackGuard {
        // The processor cannot push the fault's own frame, which makes a double fault: trap 8.
        let stop = BugCheck::new(BugCheckCode::UNEXPECTED_KERNEL_MODE_TRAP, [8, 0, 0, 0]);
        return (Rule::StackOverflow, stop);
    }
    if let (Some(entry), true) = (fault.entry, system_address) {
        let forbidden = match access {
            // The documents name no stop of its own for secure pool; ours is that of other read-only memory.
            Access::Write if matches!(occupant, Occupant::SecurePool(_)) => {
                Some((Rule::PoolSecureWrite, BugCheckCode::ATTEMPTED_WRITE_TO_READONLY_MEMORY))
            }
            Access::Write => {
                Some((Rule::MemoryReadOnlyWrite, BugCheckCode::ATTEMPTED_WRITE_TO_READONLY_MEMORY))
            }
            Access::Execute => {
                Some((Rule::MemoryNoExecute, BugCheckCode::ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY))
            }
            Access::Read => None,
        };
        if let Some((rule, code)) = forbidden {
            return (rule, BugCheck::new(code, [address.0, entry, 0, 0]));
        }
    }

    let freed = matches!(occupant, Occupant::FreedPool(_));
    if irql >= Irql::DISPATCH {
        let code = if fault.in_driver {
            BugCheckCode::DRIVER_IRQL_NOT_LESS_OR_EQUAL
        } else {
            BugCheckCode::IRQL_NOT_LESS_OR_EQUAL
        };
        let parameters = [address.0, u64::from(irql.level()), access.number(), instruction.0];
        let rule = match occupant {
            Occupant::FreedPool(_) => Rule::MemoryFreedPool,
            Occupant::LivePool(block) if block.kind.is_paged() && contains(block, address) => {
                Rule::MemoryPagedIrql
            }
            _ => Rule::MemoryIrql,
        };
        return (rule, BugCheck::new(code, parameters));
    }
    if !system_address {
        let stop = unhandled_exception(NtStatus::ACCESS_VIOLATION, instruction);
        return (Rule::MemoryAccessViolation, stop);
    }
    let discarded = matches!(occupant, Occupant::Image { discarded: true, .. });
    // 0: the memory was there and was freed; 2: nothing is mapped there (VRF-124).
    let kind = if freed || discarded { 0 } else { 2 };
    let rule = if freed { Rule::MemoryFreedPool } else { Rule::MemoryBadAddress };
    let parameters = [address.0, access.page_fault_number(), instruction.0, kind];
    (rule, BugCheck::new(BugCheckCode::PAGE_FAULT_IN_NONPAGED_AREA, parameters))
}

/// Whether the address is one of the block's bytes.
fn contains(block: Block, address: VirtualAddress) -> bool {
    address.offset_from(block.address).is_some_and(|offset| offset < block.size)
}

fn cause_of<'a>(fault: &Fault, occupant: Occupant<'a>, map: &impl AddressMap) -> Cause<'a> {
    let address = fault.address;
    if fault.non_canonical {
        return Cause::NonCanonical(address);
    }
    if address < NULL_REGION_END {
        return Cause::NullPlus(Bytes(address.0));
    }
    let below_null = address.0.wrapping_neg();
    if below_null <= PAGE_SIZE.0 {
        return Cause::NullMinus(Bytes(below_null));
    }
    let offset_in = |block: Block| address.offset_from(block.address).unwrap_or_default();
    let past_end = |block: Block| {
        let distance = offset_in(block).0.checked_sub(block.size.0)?;
        (distance < OVERRUN_REACH.0).then_some(Cause::PastEnd(Bytes(distance), block))
    };
    match occupant {
        Occupant::User => Cause::User(address),
        Occupant::Image { section, discarded: true, .. } => Cause::DiscardedSection(section),
        Occupant::Image { section, .. } => Cause::Section(section, fault.access),
        Occupant::FreedPool(block) => Cause::Freed(offset_in(block), block),
        Occupant::LivePool(block) => past_end(block).unwrap_or(Cause::Inside(offset_in(block), block)),
        Occupant::SecurePool(block) => Cause::Secure(offset_in(block), block),
        Occupant::StackGuard => Cause::StackGuard,
        Occupant::Stack => Cause::Stack,
        Occupant::DirectMap => Cause::DirectMap,
        Occupant::Metadata => Cause::Metadata,
        Occupant::BadPointer => Cause::BadPointer(address.page_offset()),
        Occupant::Unmapped => map.block_below(address).and_then(past_end).unwrap_or(Cause::Nothing(address)),
    }
}

#[cfg(test)]
mod tests;
