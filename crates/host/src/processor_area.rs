#![expect(unsafe_code, reason = "sets the GS base of the thread")]
//! The processor's control area, to which GS points in kernel code, and the shared user data page.

use crate::layout::{PROCESSOR_AREA, SHARED_USER_DATA_SHADOW, SYSTEM_OBJECTS};
use crate::{HostError, arena, guarded};
use ntpool_memory::Protection;
use ntpool_types::{PAGE_SIZE, VirtualAddress};

const ARCH_SET_GS: libc::c_int = 0x1001;

/// Offsets in the control area that driver code reads, from the debugger's description of it.
mod offset {
    /// The area's own address.
    pub const SELF: u64 = 0x18;
    /// The address of the processor block within it.
    pub const CURRENT_PROCESSOR_BLOCK: u64 = 0x20;
    /// The processor block.
    pub const PROCESSOR_BLOCK: u64 = 0x180;
    /// The running thread's object.
    pub const CURRENT_THREAD: u64 = 0x188;
}

/// Maps the system data that driver code reads, and points this thread's GS at the control area.
///
/// # Errors
/// When Linux refuses.
pub fn prepare(current_thread: VirtualAddress) -> Result<(), HostError> {
    arena::map_anonymous(SHARED_USER_DATA_SHADOW, PAGE_SIZE, Protection::ReadWrite)?;
    arena::map_anonymous(PROCESSOR_AREA, PAGE_SIZE, Protection::ReadWrite)?;
    arena::map_anonymous(SYSTEM_OBJECTS.base, SYSTEM_OBJECTS.size, Protection::ReadWrite)?;
    let words = [
        (offset::SELF, PROCESSOR_AREA.0),
        (offset::CURRENT_PROCESSOR_BLOCK, PROCESSOR_AREA.0 + offset::PROCESSOR_BLOCK),
        (offset::CURRENT_THREAD, current_thread.0),
    ];
    for (at, word) in words {
        guarded::write(VirtualAddress(PROCESSOR_AREA.0 + at), &word.to_le_bytes())
            .map_err(|fault| HostError::plain(format!("write system data at {}", fault.address)))?;
    }
    // SAFETY: nothing of ours and nothing of the C library's uses GS on x86-64.
    if unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, PROCESSOR_AREA.0) } != 0 {
        return Err(HostError::last("set the GS base"));
    }
    Ok(())
}
