//! Timers: those in a driver's memory, and those that the system keeps for it, which are allocated or belong to a device.
//!
//! A timer of the driver's memory is an object of the dispatcher's and no more. One that the system keeps lies in a block
//! of the system's; when it expires the machine is called, which looks up here what to call.

use crate::call::Call;
use crate::objects::write_header;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_abi::KTimer;
use ntpool_machine::Instant;
use ntpool_machine::dispatcher::{
    NotAnObject, ObjectKind, Reset, Timeout, TimerAction, TimerError, WaitReason, Work,
};
use ntpool_types::{Bytes, Rule, Tag, VirtualAddress};
use ntpool_verifier::StackId;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// The bytes of a timer that the system keeps, whose layout is its own.
const TIMER_SIZE: Bytes = Bytes(0xA0);
const ALLOCATED_TAG: Tag = Tag::from_text(*b"Timr");
const DEVICE_TIMER_TAG: Tag = Tag::from_text(*b"DevT");

/// A device's timer calls once a second.
const DEVICE_PERIOD: u64 = 1000 * Instant::PER_MILLISECOND;

/// What a timer that the system keeps is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The driver allocated it, with a routine or without.
    Allocated { routine: VirtualAddress, context: u64 },
    /// It calls a device's routine.
    Device { device: VirtualAddress, routine: VirtualAddress, context: u64 },
    /// It raises an interrupt.
    Source { interrupt: VirtualAddress },
}

/// How a timer is to be deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deletion {
    /// Whether it is cancelled first, or may expire once more.
    pub(crate) cancel: bool,
    /// Whether to wait until its routine runs no more.
    pub(crate) wait: bool,
    /// The routine to call when it is deleted, or NULL, and that routine's context.
    pub(crate) routine: VirtualAddress,
    pub(crate) context: u64,
}

#[derive(Clone, Copy, Debug)]
struct OwnTimer {
    /// Which of all that were made it is; another may lie at its address later.
    serial: u64,
    purpose: Purpose,
    made: StackId,
    /// How many calls of its routine have begun and not ended.
    running: u32,
    /// What is left to do for its deletion, and where that was asked for.
    deletion: Option<(Deletion, StackId)>,
}

/// The timers that the system keeps.
#[derive(Debug, Default)]
pub(crate) struct OwnTimers {
    live: RefCell<BTreeMap<VirtualAddress, OwnTimer>>,
    made: Cell<u64>,
}

impl OwnTimers {
    fn add(&self, timer: VirtualAddress, purpose: Purpose, made: StackId) {
        let serial = self.made.get();
        self.made.set(serial + 1);
        let own = OwnTimer { serial, purpose, made, running: 0, deletion: None };
        self.live.borrow_mut().insert(timer, own);
    }

    /// Whether this very timer is still there.
    fn is_there(&self, timer: VirtualAddress, serial: u64) -> bool {
        self.get(timer).is_some_and(|own| own.serial == serial)
    }

    fn get(&self, timer: VirtualAddress) -> Option<OwnTimer> {
        self.live.borrow().get(&timer).copied()
    }

    fn change(&self, timer: VirtualAddress, how: impl FnOnce(&mut OwnTimer)) {
        if let Some(own) = self.live.borrow_mut().get_mut(&timer) {
            how(own);
        }
    }

    pub(super) fn purpose(&self, timer: VirtualAddress) -> Option<Purpose> {
        self.get(timer).map(|own| own.purpose)
    }

    fn of_device(&self, device: VirtualAddress) -> Option<VirtualAddress> {
        let live = self.live.borrow();
        let is_of =
            |own: &OwnTimer| matches!(own.purpose, Purpose::Device { device: of, .. } if of == device);
        live.iter().find(|(_, own)| is_of(own)).map(|(&timer, _)| timer)
    }

    /// The timers that drivers allocated and did not delete, each with where that was.
    pub(super) fn allocated(&self) -> Vec<(VirtualAddress, VirtualAddress, StackId)> {
        let live = self.live.borrow();
        let allocated = live.iter().filter_map(|(&timer, own)| match own.purpose {
            Purpose::Allocated { routine, .. } => Some((timer, routine, own.made)),
            _ => None,
        });
        allocated.collect()
    }
}

impl Session {
    /// Sets a timer, whoever keeps it; whether it was set already (MACH-158). The period is in units of 100 ns.
    ///
    /// # Errors
    /// When no timer is there, or its call is for a processor that does not exist.
    pub(crate) fn set_timer(
        &self,
        timer: VirtualAddress,
        due: Timeout,
        period: u64,
        action: TimerAction,
    ) -> Result<bool, Stop> {
        let set = self.dispatcher().set_timer(timer, due, period, action);
        self.show_objects();
        set.map_err(|error| match error {
            TimerError::NotAnObject(missing) => self.stop_for_missing(&missing),
            TimerError::Refused(crime) => self.stop_for(&crime),
        })
    }

    /// Cancels a timer; whether it was set (MACH-161).
    ///
    /// # Errors
    /// When no timer is there.
    pub(crate) fn cancel_timer(&self, timer: VirtualAddress) -> Result<bool, Stop> {
        let cancelled = self.dispatcher().cancel_timer(timer);
        self.show_objects();
        cancelled.map_err(|missing| self.stop_for_missing(&missing))
    }

    // ── Allocated timers ─────────────────────────────────────────────────────────────────────────────────────────

    /// Makes a timer with a routine of its own, or NULL for none; nothing when there is no memory.
    pub(crate) fn allocate_timer(
        &self,
        call: &Call<'_>,
        reset: Reset,
        routine: VirtualAddress,
        context: u64,
    ) -> Option<VirtualAddress> {
        let timer = self.make_system_block(TIMER_SIZE, ALLOCATED_TAG)?;
        // Threads wait for it as for any timer.
        let written = write_header(timer, ObjectKind::Timer(reset), KTimer::SIZE, 0);
        debug_assert_eq!(written, Ok(()), "a new block can be written");
        let made = self.intern(&self.trace(call.registers()));
        self.keep_timer(timer, reset, Purpose::Allocated { routine, context }, made);
        Some(timer)
    }

    /// Makes a timer of the memory at `timer`, which the system keeps.
    pub(super) fn keep_timer(&self, timer: VirtualAddress, reset: Reset, purpose: Purpose, made: StackId) {
        let fresh = self.dispatcher().initialize_timer(timer, reset);
        debug_assert_eq!(fresh, Ok(()), "nothing was in a new block");
        self.own_timers.add(timer, purpose, made);
        self.show_objects();
    }

    /// Whether the system keeps the timer at this address.
    pub(crate) fn keeps_timer(&self, timer: VirtualAddress) -> bool {
        self.own_timers.get(timer).is_some()
    }

    fn allocated_timer(&self, timer: VirtualAddress) -> Result<OwnTimer, Stop> {
        let own = self
            .own_timers
            .get(timer)
            .filter(|own| matches!(own.purpose, Purpose::Allocated { .. }) && own.deletion.is_none());
        own.ok_or_else(|| self.stop_for_missing(&NotAnObject(timer)))
    }

    /// Sets an allocated timer; whether it was set already.
    ///
    /// # Errors
    /// When no timer is there.
    pub(crate) fn set_allocated_timer(
        &self,
        timer: VirtualAddress,
        due: Timeout,
        period: u64,
    ) -> Result<bool, Stop> {
        let action = match self.allocated_timer(timer)?.purpose {
            Purpose::Allocated { routine: VirtualAddress::NULL, .. } => TimerAction::Signal,
            _ => TimerAction::Callback,
        };
        self.set_timer(timer, due, period, action)
    }

    /// Cancels an allocated timer; whether it was set.
    ///
    /// # Errors
    /// When no timer is there.
    pub(crate) fn cancel_allocated_timer(&self, timer: VirtualAddress) -> Result<bool, Stop> {
        self.allocated_timer(timer)?;
        self.cancel_timer(timer)
    }

    /// Deletes an allocated timer; whether that cancelled it. One whose routine runs, or may still run, is gone when that
    /// is over.
    ///
    /// # Errors
    /// When no timer is there; when the run has ended meanwhile.
    pub(crate) fn delete_timer(
        &self,
        call: &Call<'_>,
        timer: VirtualAddress,
        deletion: Deletion,
    ) -> Result<bool, Stop> {
        let OwnTimer { serial, .. } = self.allocated_timer(timer)?;
        let cancelled = deletion.cancel && self.cancel_timer(timer)?;
        let at = self.intern(&self.trace(call.registers()));
        self.own_timers.change(timer, |own| own.deletion = Some((deletion, at)));
        self.finish_deletion(timer)?;
        while deletion.wait && self.own_timers.is_there(timer, serial) {
            let reason = WaitReason::Other("the end of a timer's routine");
            let blocked = self.dispatcher().block_on(timer, reason, None, None);
            blocked.map_err(|crime| self.stop_for(&crime))?;
            self.block()?;
            let _ = self.dispatcher().take_wait_result();
        }
        Ok(cancelled)
    }

    /// Deletes a timer for good when its deletion was asked for and nothing of it is left to happen.
    fn finish_deletion(&self, timer: VirtualAddress) -> Result<(), Stop> {
        let Some(OwnTimer { deletion: Some((deletion, at)), made, running, .. }) = self.own_timers.get(timer)
        else {
            return Ok(());
        };
        let is_set = {
            let dispatcher = self.dispatcher();
            dispatcher.is_queued(timer) || dispatcher.object(timer).is_some_and(|view| view.due.is_some())
        };
        if running > 0 || is_set {
            return Ok(());
        }
        // Those who wait for this go on when nothing of the timer is left.
        self.dispatcher().wake(timer, usize::MAX);
        self.drop_timer(timer);
        self.free_system_block(timer, made, at)?;
        if deletion.routine != VirtualAddress::NULL {
            self.call_routine(deletion.routine, &[deletion.context])?;
        }
        Ok(())
    }

    /// Forgets a timer that the system keeps.
    pub(super) fn drop_timer(&self, timer: VirtualAddress) {
        self.own_timers.live.borrow_mut().remove(&timer);
        self.dispatcher().remove_dpc(timer);
        self.dispatcher().forget_range(timer, Bytes(1));
    }

    // ── Devices' timers ──────────────────────────────────────────────────────────────────────────────────────────

    /// Gives a device a timer, or its timer another routine; its address, or nothing when there is no memory.
    pub(crate) fn initialize_device_timer(
        &self,
        call: &Call<'_>,
        device: VirtualAddress,
        routine: VirtualAddress,
        context: u64,
    ) -> Option<VirtualAddress> {
        let purpose = Purpose::Device { device, routine, context };
        if let Some(timer) = self.own_timers.of_device(device) {
            self.own_timers.change(timer, |own| own.purpose = purpose);
            return Some(timer);
        }
        let timer = self.make_system_block(TIMER_SIZE, DEVICE_TIMER_TAG)?;
        let made = self.intern(&self.trace(call.registers()));
        self.keep_timer(timer, Reset::ByHand, purpose, made);
        Some(timer)
    }

    /// Lets a device's timer call once a second, or not any more.
    ///
    /// # Errors
    /// When the device has no timer.
    pub(crate) fn run_device_timer(&self, device: VirtualAddress, run: bool) -> Result<(), Stop> {
        let timer = self.own_timers.of_device(device);
        let timer = timer.ok_or_else(|| self.stop_for_missing(&NotAnObject(device)))?;
        if run {
            self.set_timer(timer, Timeout::Relative(DEVICE_PERIOD), DEVICE_PERIOD, TimerAction::Callback)?;
        } else {
            self.cancel_timer(timer)?;
            self.dispatcher().remove_dpc(timer);
        }
        Ok(())
    }

    /// A device is deleted, and its timer with it.
    ///
    /// # Errors
    /// When the driver freed the timer's memory by itself.
    pub(crate) fn delete_device_timer(&self, call: &Call<'_>, device: VirtualAddress) -> Result<(), Stop> {
        let Some(timer) = self.own_timers.of_device(device) else { return Ok(()) };
        let made = self.own_timers.get(timer).expect("it was found").made;
        self.drop_timer(timer);
        let at = self.intern(&self.trace(call.registers()));
        self.free_system_block(timer, made, at)
    }

    // ── Expiry ───────────────────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn run_timer_callback(&self, work: Work, timer: VirtualAddress) -> Result<(), Stop> {
        let Some(own) = self.own_timers.get(timer) else { return Ok(()) };
        let (routine, arguments) = match own.purpose {
            Purpose::Allocated { routine, context } => (routine, [timer.0, context]),
            Purpose::Device { device, routine, context } => (routine, [device.0, context]),
            Purpose::Source { interrupt } => return self.raise_from_source(interrupt),
        };
        if self.image.has_left(routine) {
            return Err(self.stop_for_gone_code(Rule::TimerLeft, routine, &format!("the timer at {timer}")));
        }
        self.own_timers.change(timer, |own| own.running += 1);
        self.interrupt_with(work, routine, &arguments)?;
        self.own_timers.change(timer, |own| own.running -= 1);
        self.finish_deletion(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_at_the_address_of_one_that_is_gone_is_another_one() {
        let (timers, at) = (OwnTimers::default(), VirtualAddress(0x1000));
        let purpose = Purpose::Allocated { routine: VirtualAddress::NULL, context: 0 };
        timers.add(at, purpose, StackId(1));
        let serial = timers.get(at).unwrap().serial;
        assert!(timers.is_there(at, serial));
        timers.live.borrow_mut().remove(&at);
        assert!(!timers.is_there(at, serial));
        timers.add(at, purpose, StackId(1));
        assert!(!timers.is_there(at, serial), "whoever waits for the end of the first waits no longer");
    }
}
