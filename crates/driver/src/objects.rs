//! The objects that threads wait for, as they lie in the driver's memory.
//!
//! The dispatcher's table is the truth, and the driver's memory shows it: the kind, the size and the state in the header,
//! and who owns a mutex. A routine first looks at the memory it is given, so that a bad address faults before anything
//! changes, and then asks the dispatcher; what changed by that is shown before the driver goes on.

use crate::call::Call;
use crate::session::Session;
use crate::stop::Stop;
use crate::{dispatch_crimes, memory};
use ntpool_abi::{DispatcherHeader, KMutex, ListEntry};
use ntpool_finding::Role;
use ntpool_host::layout::PAGED_POOL;
use ntpool_machine::Fault;
use ntpool_machine::dispatcher::{Crime, Dispatcher, NotAnObject, ObjectKind, ObjectView, Reset};
use ntpool_types::{Rule, VirtualAddress};

/// The kinds of objects as their headers number them: the public symbols' enumeration of kernel objects.
mod number {
    pub(super) const NOTIFICATION_EVENT: u8 = 0;
    pub(super) const SYNCHRONIZATION_EVENT: u8 = 1;
    pub(super) const MUTEX: u8 = 2;
    pub(super) const SEMAPHORE: u8 = 5;
    pub(super) const THREAD: u8 = 6;
    pub(super) const NOTIFICATION_TIMER: u8 = 8;
    pub(super) const SYNCHRONIZATION_TIMER: u8 = 9;
}

fn number_of(kind: ObjectKind) -> u8 {
    match kind {
        ObjectKind::Event(Reset::ByHand) => number::NOTIFICATION_EVENT,
        ObjectKind::Event(Reset::ByWait) => number::SYNCHRONIZATION_EVENT,
        ObjectKind::Mutex => number::MUTEX,
        ObjectKind::Semaphore { .. } => number::SEMAPHORE,
        ObjectKind::Thread(_) => number::THREAD,
        ObjectKind::Timer(Reset::ByHand) => number::NOTIFICATION_TIMER,
        ObjectKind::Timer(Reset::ByWait) => number::SYNCHRONIZATION_TIMER,
    }
}

/// Writes the header of an object of this kind and size for which nobody waits.
pub(crate) fn write_header(at: VirtualAddress, kind: ObjectKind, size: u64, state: i32) -> Result<(), Fault> {
    let list = DispatcherHeader::WAIT_LIST_HEAD.address_in(at.0);
    let empty = ListEntry { flink: list, blink: list };
    memory::write_field(at, DispatcherHeader::TYPE, number_of(kind))?;
    memory::write_field(at, DispatcherHeader::SIGNALLING, 0_u8)?;
    // In units of 4 bytes; a thread's size does not fit and is cut off.
    memory::write_field(at, DispatcherHeader::SIZE_OF_OBJECT, (size / 4) as u8)?;
    memory::write_field(at, DispatcherHeader::DEBUG_ACTIVE, 0_u8)?;
    memory::write_field(at, DispatcherHeader::SIGNAL_STATE, state)?;
    memory::write_field(at, DispatcherHeader::WAIT_LIST_HEAD, empty)
}

impl Session {
    /// Makes memory of the driver's an object. What it was before and is still needed for is told of.
    ///
    /// # Errors
    /// The fault, when the memory can't be written.
    pub(crate) fn initialize_object(
        &self,
        call: &Call<'_>,
        address: VirtualAddress,
        write: impl FnOnce() -> Result<(), Fault>,
        make: impl FnOnce(&mut Dispatcher) -> Result<(), Crime>,
    ) -> Result<(), Stop> {
        write()?;
        if PAGED_POOL.contains(address) {
            let message =
                format!("an object that threads wait for was initialized at {address}, in paged pool");
            self.report_rule(call, Rule::ObjectPageable, &message);
        }
        let made = make(&mut self.dispatcher());
        if let Err(crime) = made {
            self.tell_once(call, dispatch_crimes::draft_of(&crime), Role::At);
        }
        self.show_objects();
        Ok(())
    }

    /// The object that a routine is given, which must be of a kind that the routine takes.
    ///
    /// # Errors
    /// The fault, when the memory can't be read; a misuse, when no such object is there or its header was overwritten.
    pub(crate) fn object_at(
        &self,
        address: VirtualAddress,
        is_taken: fn(ObjectKind) -> bool,
    ) -> Result<ObjectView, Stop> {
        let number: u8 = memory::read_field(address, DispatcherHeader::TYPE)?;
        let known = self.dispatcher().object(address);
        let Some(object) = known.filter(|object| is_taken(object.kind)) else {
            return Err(self.stop_for_missing(&NotAnObject(address)));
        };
        if number == number_of(object.kind) {
            return Ok(object);
        }
        Err(Stop::Misuse {
            rule: Rule::ObjectNotInitialized,
            message: format!(
                "{} was initialized at {address}, and its memory was overwritten since; the address is {}",
                object.kind.label(),
                self.describe(address)
            ),
        })
    }

    /// Shows the driver what has changed of its objects. One whose memory is gone is told of when it is used.
    pub(crate) fn show_objects(&self) {
        let changed = self.dispatcher().take_changed();
        if changed.is_empty() {
            return;
        }
        let _at_work = self.reach_paged_pool();
        for (address, object) in changed {
            let _ = self.show_object(address, &object);
        }
    }

    fn show_object(&self, at: VirtualAddress, object: &ObjectView) -> Result<(), Fault> {
        memory::write_field(at, DispatcherHeader::SIGNAL_STATE, object.signal_state)?;
        if object.kind == ObjectKind::Mutex {
            let owner = object.owner.map(|owner| self.dispatcher().thread(owner).object());
            memory::write_field(at, KMutex::OWNER_THREAD, owner.unwrap_or_default().0)?;
            memory::write_field(at, KMutex::ABANDONED, u8::from(object.abandoned))?;
        }
        Ok(())
    }
}
