//! Interrupts that drivers have connected.
//!
//! No device is there to raise them. The machine raises each by itself at moments that the seed decides, as a shared line
//! does for another device at any time: soon after it was connected, at boundaries, and a number of times later. Then it
//! falls silent, so that a driver that waits for ever is noticed.

use super::timers::Purpose;
use crate::call::Call;
use crate::lifecycle::derived;
use crate::memory;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_machine::Instant;
use ntpool_machine::dispatcher::{NotAnObject, Reset, SpinReason, Timeout, TimerAction, Work};
use ntpool_types::{Bytes, Irql, ProcessorNumber, Rule, Tag, VirtualAddress};
use ntpool_verifier::StackId;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The bytes of an interrupt object, whose layout is the system's own, and where in it the timer lies that raises the
/// interrupt and the spin lock that is its own.
const OBJECT_SIZE: Bytes = Bytes(0x100);
const SOURCE_OFFSET: u64 = 0x40;
const LOCK_OFFSET: u64 = 0xC0;
const INTERRUPT_TAG: Tag = Tag::from_text(*b"Intr");

/// The kind of object in an interrupt object's first 16 bits.
const INTERRUPT_OBJECT: u16 = 22;

/// How often an interrupt is raised by its timer, and how often at boundaries besides.
const TIMED: u32 = 16;
const AT_BOUNDARIES: u32 = 16;

/// At one of so many boundaries an interrupt is raised.
const RARITY: u64 = 16;

/// When an interrupt is raised the first time.
const FIRST: Timeout = Timeout::Relative(Instant::PER_MILLISECOND / 100);

/// The longest time between two interrupts of a timer.
const LONGEST_PAUSE: u64 = 100 * Instant::PER_MILLISECOND;

/// An interrupt as a driver connects it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) routine: VirtualAddress,
    pub(crate) context: u64,
    /// The driver's spin lock, or NULL for one of the interrupt's own.
    pub(crate) lock: VirtualAddress,
    /// The level at which the routine runs.
    pub(crate) level: Irql,
    /// A bit for each processor that may take it.
    pub(crate) processors: u64,
}

#[derive(Clone, Copy, Debug)]
struct Connected {
    connection: Connection,
    made: StackId,
    timed: u32,
    at_boundaries: u32,
}

/// The interrupts that are connected, by their objects.
#[derive(Debug, Default)]
pub(crate) struct Interrupts {
    live: RefCell<BTreeMap<VirtualAddress, Connected>>,
}

impl Interrupts {
    /// The interrupts, each with its routine and where it was connected.
    pub(super) fn connected(&self) -> Vec<(VirtualAddress, VirtualAddress, StackId)> {
        let live = self.live.borrow();
        live.iter().map(|(&key, connected)| (key, connected.connection.routine, connected.made)).collect()
    }
}

impl Session {
    /// Connects an interrupt; its object, or nothing when there is no memory.
    pub(crate) fn connect_interrupt(
        &self,
        call: &Call<'_>,
        connection: Connection,
    ) -> Result<Option<VirtualAddress>, Stop> {
        let Some(object) = self.make_system_block(OBJECT_SIZE, INTERRUPT_TAG) else { return Ok(None) };
        memory::write(object, INTERRUPT_OBJECT)?;
        memory::write(VirtualAddress(object.0 + 2), OBJECT_SIZE.0 as u16)?;
        let lock = match connection.lock {
            VirtualAddress::NULL => VirtualAddress(object.0 + LOCK_OFFSET),
            lock => lock,
        };
        let made = self.intern(&self.trace(call.registers()));
        let connection = Connection { lock, ..connection };
        let connected = Connected { connection, made, timed: TIMED, at_boundaries: AT_BOUNDARIES };
        self.interrupts.live.borrow_mut().insert(object, connected);
        let source = VirtualAddress(object.0 + SOURCE_OFFSET);
        self.keep_timer(source, Reset::ByHand, Purpose::Source { interrupt: object }, made);
        self.set_timer(source, FIRST, 0, TimerAction::Callback)?;
        Ok(Some(object))
    }

    fn connected(&self, object: VirtualAddress) -> Result<Connected, Stop> {
        let known = self.interrupts.live.borrow().get(&object).copied();
        known.ok_or_else(|| self.stop_for_missing(&NotAnObject(object)))
    }

    /// Disconnects an interrupt; when this returns its routine runs on no other processor.
    ///
    /// # Errors
    /// When none is connected there.
    pub(crate) fn disconnect_interrupt(&self, call: &Call<'_>, object: VirtualAddress) -> Result<(), Stop> {
        let Connected { made, .. } = self.connected(object)?;
        self.interrupts.live.borrow_mut().remove(&object);
        self.drop_timer(VirtualAddress(object.0 + SOURCE_OFFSET));
        while self.runs_elsewhere(object) {
            self.let_others_work()?;
        }
        let at = self.intern(&self.trace(call.registers()));
        self.free_system_block(object, made, at)
    }

    fn runs_elsewhere(&self, object: VirtualAddress) -> bool {
        let dispatcher = self.dispatcher();
        let here = dispatcher.running().0;
        let mut others =
            (0..dispatcher.processor_count() as u16).map(ProcessorNumber).filter(|&number| number != here);
        others.any(|number| {
            let is_it = |(work, _)| matches!(work, Work::Interrupt { key, .. } if key == object);
            dispatcher.work_on(number).any(is_it)
        })
    }

    // ── Raising ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// Raises interrupts at a boundary.
    #[inline]
    pub(crate) fn raise_interrupts(&self) {
        if !self.interrupts.live.borrow().is_empty() && !self.ended.get() {
            self.raise_some();
        }
    }

    fn raise_some(&self) {
        let steps = self.dispatcher().steps();
        let live: Vec<VirtualAddress> = self.interrupts.live.borrow().keys().copied().collect();
        for object in live {
            let chance = derived(self.order.seed ^ object.0, steps);
            let mut live = self.interrupts.live.borrow_mut();
            let connected = live.get_mut(&object).expect("it is connected");
            if chance.is_multiple_of(RARITY) && connected.at_boundaries > 0 {
                connected.at_boundaries -= 1;
                let connection = connected.connection;
                drop(live);
                self.request(object, &connection, chance / RARITY);
            }
        }
    }

    /// An interrupt's timer has expired.
    pub(super) fn raise_from_source(&self, object: VirtualAddress) -> Result<(), Stop> {
        let chance = derived(self.order.seed ^ object.0, !self.dispatcher().steps());
        let (connection, more) = {
            let mut live = self.interrupts.live.borrow_mut();
            let Some(connected) = live.get_mut(&object) else { return Ok(()) };
            connected.timed -= 1;
            (connected.connection, connected.timed > 0)
        };
        self.request(object, &connection, chance);
        if more {
            let pause = Timeout::Relative(1 + (chance >> 8) % LONGEST_PAUSE);
            self.set_timer(VirtualAddress(object.0 + SOURCE_OFFSET), pause, 0, TimerAction::Callback)?;
        }
        Ok(())
    }

    fn request(&self, object: VirtualAddress, connection: &Connection, chance: u64) {
        let mut dispatcher = self.dispatcher();
        let allowed = connection.processors & dispatcher.active_processors();
        let nth = (chance % u64::from(allowed.count_ones().max(1))) as usize;
        let number = (0..64_u16).filter(|number| allowed >> number & 1 == 1).nth(nth);
        let number = ProcessorNumber(number.expect("an interrupt has a processor"));
        dispatcher.request_interrupt(number, object, connection.level);
    }

    pub(super) fn run_interrupt(&self, work: Work, object: VirtualAddress) -> Result<(), Stop> {
        let known = self.interrupts.live.borrow().get(&object).copied();
        let Some(Connected { connection, .. }) = known else { return Ok(()) };
        let Connection { routine, context, lock, .. } = connection;
        if self.image.has_left(routine) {
            let what = format!("the interrupt at {object}");
            return Err(self.stop_for_gone_code(Rule::InterruptLeft, routine, &what));
        }
        self.as_work(work, routine, || {
            self.take_interrupt_lock(lock)?;
            let handled = self.call_interrupting(routine, &[object.0, context])?;
            self.release_interrupt_lock(lock)?;
            Ok(handled)
        })?;
        Ok(())
    }

    // ── The interrupt's spin lock ────────────────────────────────────────────────────────────────────────────────

    fn take_interrupt_lock(&self, lock: VirtualAddress) -> Result<(), Stop> {
        while let Some(holder) = self.spin_locks.holder(lock).filter(|&holder| !self.is_here(holder)) {
            self.dispatcher().spin_on(lock, SpinReason::InterruptLock, Some(holder));
            self.block()?;
        }
        self.acquire_protected(lock).map_err(|violation| Stop::Crime {
            violation,
            message: format!(
                "the spin lock at {lock} is an interrupt's, and the processor that was interrupted holds it; \
                 acquire it at the interrupt's level"
            ),
        })?;
        Ok(memory::write(lock, 1_u64)?)
    }

    fn release_interrupt_lock(&self, lock: VirtualAddress) -> Result<(), Stop> {
        self.spin_locks.release(lock, self.processor_number(), self.thread()).map_err(|violation| {
            Stop::Crime {
                violation,
                message: format!("the interrupt's spin lock at {lock} was released and nobody held it"),
            }
        })?;
        memory::write(lock, 0_u64)?;
        self.release_spinners(lock);
        Ok(())
    }

    /// Raises the level to an interrupt's and takes its spin lock; the former level.
    ///
    /// # Errors
    /// When none is connected there, the level is higher already, or the processor holds the lock.
    pub(crate) fn hold_interrupt(&self, object: VirtualAddress) -> Result<Irql, Stop> {
        let Connection { lock, level, .. } = self.connected(object)?.connection;
        let from = self.irql();
        let former = self.raise_irql(level).map_err(|violation| Stop::Crime {
            violation,
            message: format!("an interrupt of {level} was held off at {from}"),
        })?;
        self.take_interrupt_lock(lock)?;
        Ok(former)
    }

    /// Releases an interrupt's spin lock and lowers the level again.
    ///
    /// # Errors
    /// When none is connected there, nobody holds the lock, or the level is another one than was saved.
    pub(crate) fn let_interrupt_go(&self, object: VirtualAddress, to: Irql) -> Result<(), Stop> {
        let lock = self.connected(object)?.connection.lock;
        self.release_interrupt_lock(lock)?;
        let from = self.irql();
        self.lower_irql(to).map_err(|violation| Stop::Crime {
            violation,
            message: format!("an interrupt's spin lock was released to {to} at {from}"),
        })
    }
}
