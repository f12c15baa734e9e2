//! Faults on what is gone: code of a driver that was unloaded, and objects whose last reference was released.

use crate::findings::Draft;
use crate::session::Session;
use ntpool_finding::Phase;
use ntpool_machine::{Access, Fault, Registers};
use ntpool_types::{BugCheck, BugCheckCode, Bytes, Irql, Rule};

impl Session {
    /// What a fault means that is one on something that is gone (MACH-050).
    pub(crate) fn explain_gone(&self, fault: &Fault, registers: &Registers) -> Option<Draft> {
        let deed = match fault.access {
            Access::Read => "read",
            Access::Write => "written",
            Access::Execute => "executed",
        };
        if self.image.is_unloaded() && self.image.offset_of(fault.address).is_some() {
            return Some(self.draft_unloaded(fault, registers, deed));
        }
        if self.irql() >= Irql::DISPATCH {
            // A stop for the level comes first, as for any address.
            return None;
        }
        let (page, kind) = self.system_objects.borrow().gone_at(fault.address)?;
        let into = fault.address.offset_from(page).unwrap_or_default();
        // 0 for a read, 2 for a write, 0x10 for an instruction; the memory was there and is no more: 0.
        let access = match fault.access {
            Access::Read => 0,
            Access::Write => 2,
            Access::Execute => 0x10,
        };
        let stop = BugCheck::new(
            BugCheckCode::PAGE_FAULT_IN_NONPAGED_AREA,
            [fault.address.0, access, registers.instruction, 0],
        );
        let message = match into {
            Bytes::ZERO => {
                format!("the {} object at {page}, gone with its last reference, was {deed}", kind.label())
            }
            _ => format!(
                "{into} into the {} object at {page}, gone with its last reference, was {deed}",
                kind.label()
            ),
        };
        Some(Draft::new(Rule::MemoryBadAddress, Some(stop), message))
    }

    fn draft_unloaded(&self, fault: &Fault, registers: &Registers, deed: &str) -> Draft {
        let irql = self.irql();
        // A fetch of an instruction is a read here.
        let is_write = u64::from(fault.access == Access::Write);
        let stop = match irql >= Irql::DISPATCH {
            false => BugCheck::new(
                BugCheckCode::DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS,
                [fault.address.0, is_write, registers.instruction, 0],
            ),
            true => BugCheck::new(
                BugCheckCode::SYSTEM_SCAN_AT_RAISED_IRQL_CAUGHT_IMPROPER_DRIVER_UNLOAD,
                [fault.address.0, u64::from(irql.level()), is_write, registers.instruction],
            ),
        };
        let thread = self.strands.current().thread.get();
        let who = match self.phase() {
            Phase::SystemThread => self.describe_thread(thread),
            Phase::WorkItem => "a work item".to_owned(),
            Phase::Dpc => "a deferred procedure call".to_owned(),
            Phase::Interrupt => "an interrupt".to_owned(),
            _ => "the system".to_owned(),
        };
        let place = self.shown_place(fault.address);
        let message = format!("{place} was {deed} by {who} when the driver had been unloaded");
        Draft::new(Rule::UnloadedCode, Some(stop), message)
    }
}
