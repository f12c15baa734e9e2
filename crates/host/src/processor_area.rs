#![expect(unsafe_code, reason = "sets the GS base of the thread")]
//! The processors' control areas, to which GS points in kernel code, and the shared user data page.
//!
//! # What this module promises
//! - GS of the calling thread of Linux points to a control area that is mapped; nothing of the host's uses GS.

use crate::layout::{
    MOST_PROCESSORS, SHARED_USER_DATA_SHADOW, SYSTEM_OBJECTS, processor_area, processor_areas,
};
use crate::{HostError, arena, guarded};
use ntpool_memory::Protection;
use ntpool_types::{PAGE_SIZE, ProcessorNumber, VirtualAddress};
use std::sync::OnceLock;

const ARCH_SET_GS: libc::c_int = 0x1001;

/// The bit by which Linux says that programs may set GS by themselves.
const HWCAP2_FSGSBASE: u64 = 1 << 1;

/// Offsets in the control area that driver code reads, from the debugger's description of it.
mod offset {
    /// The area's own address.
    pub const SELF: u64 = 0x18;
    /// The address of the processor block within it.
    pub const CURRENT_PROCESSOR_BLOCK: u64 = 0x20;
    /// The processor block.
    pub const PROCESSOR_BLOCK: u64 = 0x180;
    /// The processor's number in a byte, where older headers look.
    pub const LEGACY_NUMBER: u64 = 0x184;
    /// The running thread's object.
    pub const CURRENT_THREAD: u64 = 0x188;
    /// The processor's number.
    pub const NUMBER: u64 = 0x1A4;
}

/// Maps the system data that driver code reads, with so many processors, and points this thread's GS at the first one's
/// control area.
///
/// # Errors
/// When Linux refuses.
///
/// # Panics
/// With no processor or more than [`MOST_PROCESSORS`].
pub fn prepare(processors: u32) -> Result<(), HostError> {
    assert!((1..=MOST_PROCESSORS).contains(&processors), "a machine with {processors} processors");
    arena::map_anonymous(SHARED_USER_DATA_SHADOW, PAGE_SIZE, Protection::ReadWrite)?;
    let areas = processor_areas(processors);
    arena::map_anonymous(areas.base, areas.size, Protection::ReadWrite)?;
    arena::map_anonymous(SYSTEM_OBJECTS.base, SYSTEM_OBJECTS.size, Protection::ReadWrite)?;
    for number in 0..processors {
        let area = processor_area(ProcessorNumber(number as u16)).0;
        let words = [
            (offset::SELF, area),
            (offset::CURRENT_PROCESSOR_BLOCK, area + offset::PROCESSOR_BLOCK),
            (offset::LEGACY_NUMBER & !7, u64::from(number) << 32),
            (offset::NUMBER & !7, u64::from(number) << 32),
        ];
        for (at, word) in words {
            write(area + at, word)?;
        }
    }
    set_gs(processor_area(ProcessorNumber(0)))
}

fn write(at: u64, word: u64) -> Result<(), HostError> {
    guarded::write(VirtualAddress(at), &word.to_le_bytes())
        .map_err(|fault| HostError::plain(format!("write system data at {}", fault.address)))
}

/// Makes the calling thread of Linux this processor, running this thread object.
///
/// # Errors
/// When Linux refuses.
pub fn become_processor(number: ProcessorNumber, thread: VirtualAddress) -> Result<(), HostError> {
    let area = processor_area(number);
    write(area.0 + offset::CURRENT_THREAD, thread.0)?;
    set_gs(area)
}

fn set_gs(base: VirtualAddress) -> Result<(), HostError> {
    static BY_INSTRUCTION: OnceLock<bool> = OnceLock::new();
    let by_instruction = *BY_INSTRUCTION.get_or_init(|| {
        // SAFETY: reads a word that Linux gave the program at its start.
        unsafe { libc::getauxval(libc::AT_HWCAP2) & HWCAP2_FSGSBASE != 0 }
    });
    if by_instruction {
        // SAFETY: Linux says that the instruction is allowed; nothing of ours and nothing of the C library's uses GS.
        unsafe { std::arch::asm!("wrgsbase {}", in(reg) base.0, options(nomem, nostack, preserves_flags)) };
        return Ok(());
    }
    // SAFETY: as above.
    if unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, base.0) } != 0 {
        return Err(HostError::last("set the GS base"));
    }
    Ok(())
}
