//! Probes: whether a buffer that a program gave lies where programs may own memory.

use super::trap::violation_parameters;
use super::{Engine, FullContext};
use crate::stop::Answer;
use ntpool_types::{Bytes, NtStatus, PAGE_SIZE, USER_SPACE_END, VirtualAddress};

/// What is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// Where the buffer begins.
    pub(crate) address: VirtualAddress,
    /// How long it is.
    pub(crate) length: Bytes,
    /// What its address has to be a multiple of.
    pub(crate) alignment: u32,
}

impl Probe {
    /// Why the buffer is refused without a look at its memory (MACH-016 to MACH-019, MACH-022).
    fn refusal(&self) -> Option<NtStatus> {
        let Probe { address, length, alignment } = *self;
        if length == Bytes::ZERO {
            return None;
        }
        if address.0 & u64::from(alignment).saturating_sub(1) != 0 {
            return Some(NtStatus::DATATYPE_MISALIGNMENT);
        }
        match address.checked_add(length) {
            Some(end) if end <= USER_SPACE_END => None,
            _ => Some(NtStatus::ACCESS_VIOLATION),
        }
    }
}

impl Engine<'_> {
    /// Probes a buffer to be read. Its memory is not touched (MACH-020).
    ///
    /// IRQL: up to APC_LEVEL. Errors: the exception that it raises.
    pub(crate) fn probe_for_read(&self, probe: Probe, caller: &FullContext) -> Answer {
        match probe.refusal() {
            None => Ok(0),
            Some(status) => Err(self.raise_status(status, caller)),
        }
    }

    /// Probes a buffer to be written: a byte of each of its pages is read and written back (MACH-021).
    ///
    /// IRQL: up to APC_LEVEL. Errors: the exception that it raises.
    pub(crate) fn probe_for_write(&self, probe: Probe, caller: &FullContext) -> Answer {
        self.probe_for_read(probe, caller)?;
        if probe.length == Bytes::ZERO {
            return Ok(0);
        }
        let last = probe.address.0 + (probe.length.0 - 1);
        let pages = (probe.address.page_base().0..=last).step_by(PAGE_SIZE.as_usize());
        for page in pages {
            let at = VirtualAddress(page.max(probe.address.0));
            let touched = self.read::<u8>(at).and_then(|byte| self.write(at, byte));
            if let Err(fault) = touched {
                let parameters = violation_parameters(fault.access, at);
                return Err(self.raise_with(NtStatus::ACCESS_VIOLATION, &parameters, caller));
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(address: u64, length: u64, alignment: u32) -> Option<NtStatus> {
        Probe { address: VirtualAddress(address), length: Bytes(length), alignment }.refusal()
    }

    #[test]
    fn mach_016_a_range_that_leaves_the_user_addresses_is_an_access_violation() {
        let end = USER_SPACE_END.0;
        assert_eq!(refusal(end - 0x10, 0x10, 1), None);
        assert_eq!(refusal(end - 0x10, 0x11, 1), Some(NtStatus::ACCESS_VIOLATION));
    }

    #[test]
    fn mach_017_a_misaligned_start_is_a_misalignment() {
        assert_eq!(refusal(0x1_0002, 8, 4), Some(NtStatus::DATATYPE_MISALIGNMENT));
        assert_eq!(refusal(0x1_0004, 8, 4), None);
    }

    #[test]
    fn mach_018_a_buffer_of_no_bytes_is_never_refused() {
        for address in [0, 0x1_0001, USER_SPACE_END.0, u64::MAX] {
            assert_eq!(refusal(address, 0, 8), None, "{address:#x}");
        }
    }

    #[test]
    fn mach_019_a_range_that_wraps_is_refused() {
        assert_eq!(refusal(0x1_0000, u64::MAX, 1), Some(NtStatus::ACCESS_VIOLATION));
    }

    #[test]
    fn mach_022_a_system_address_is_refused() {
        assert_eq!(refusal(USER_SPACE_END.0 + 0x1000, 1, 1), Some(NtStatus::ACCESS_VIOLATION));
    }
}
