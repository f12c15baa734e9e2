//! Threads: what the dispatcher knows of each.

use super::spin::Spin;
use super::wait::Wait;
use super::{Crime, Dispatcher, WaitOutcome};
use crate::Levels;
use alloc::vec::Vec;
use ntpool_types::{Irql, NtStatus, ProcessorNumber, VirtualAddress};

/// The number of a thread, in the order of creation; the first numbers are those of the processors' idle threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(pub u32);

/// The highest priority of a thread; from 16 on it is real time.
pub const HIGHEST_PRIORITY: u8 = 31;

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadState {
    /// The idle thread of a processor that has something better to do.
    Idle,
    /// It could go on and has no processor.
    Ready,
    /// It is the current thread of this processor.
    Running(ProcessorNumber),
    /// It waits.
    Waiting,
    /// It has ended.
    Terminated,
}

/// A thread.
#[derive(Debug)]
pub struct Thread {
    pub(super) object: VirtualAddress,
    pub(super) priority: u8,
    pub(super) is_idle: bool,
    pub(super) affinity: u64,
    pub(super) system_affinity: Option<u64>,
    /// How often normal procedure calls, and all of them, were disabled; negative, as NT counts.
    pub(super) kernel_apc_disable: i16,
    pub(super) special_apc_disable: i16,
    pub(super) state: ThreadState,
    /// The level, while the thread is on no processor.
    pub(super) levels: Levels,
    pub(super) last_processor: Option<usize>,
    pub(super) wait: Option<Wait>,
    pub(super) outcome: Option<WaitOutcome>,
    pub(super) alerted: bool,
    pub(super) owned_mutexes: Vec<VirtualAddress>,
    pub(super) spin: Option<Spin>,
    /// Until this step others are preferred.
    pub(super) yields_until: u64,
    /// The levels to wait with, from a release that announced a wait.
    pub(super) held_for_wait: Option<Levels>,
    pub(super) exit_status: Option<NtStatus>,
}

impl Thread {
    pub(super) fn new(object: VirtualAddress, priority: u8, affinity: u64) -> Thread {
        Thread {
            object,
            priority,
            is_idle: false,
            affinity,
            system_affinity: None,
            kernel_apc_disable: 0,
            special_apc_disable: 0,
            state: ThreadState::Ready,
            levels: Levels::default(),
            last_processor: None,
            wait: None,
            outcome: None,
            alerted: false,
            owned_mutexes: Vec::new(),
            spin: None,
            yields_until: 0,
            held_for_wait: None,
            exit_status: None,
        }
    }

    /// The address of its object.
    #[must_use]
    pub fn object(&self) -> VirtualAddress {
        self.object
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> ThreadState {
        self.state
    }

    /// Its priority, 0 to [`HIGHEST_PRIORITY`]; an idle thread's counts as lower than all.
    #[must_use]
    pub fn priority(&self) -> u8 {
        self.priority
    }

    /// Whether it is a processor's idle thread.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// The processors that it may run on, a bit for each.
    #[must_use]
    pub fn affinity(&self) -> u64 {
        self.system_affinity.unwrap_or(self.affinity)
    }

    /// The affinity that the system gave it for a time.
    #[must_use]
    pub fn system_affinity(&self) -> Option<u64> {
        self.system_affinity
    }

    /// Both counts of disabled procedure calls as Windows shows them in bug checks: that of guarded regions in the
    /// upper 16 bits, that of critical regions and owned mutexes in the lower ones, each 0 or negative (MACH-043).
    #[must_use]
    pub fn combined_apc_disable(&self) -> u32 {
        u32::from(self.special_apc_disable as u16) << 16 | u32::from(self.kernel_apc_disable as u16)
    }

    /// The mutexes that it owns, in the order in which it took them.
    #[must_use]
    pub fn owned_mutexes(&self) -> &[VirtualAddress] {
        &self.owned_mutexes
    }

    /// The status it ended with.
    #[must_use]
    pub fn exit_status(&self) -> Option<NtStatus> {
        self.exit_status
    }

    /// Whether it released something and announced that it waits at once (MACH-152).
    #[must_use]
    pub fn is_held_for_wait(&self) -> bool {
        self.held_for_wait.is_some()
    }
}

impl Dispatcher {
    /// Creates a thread that is ready to run; `object` is where its object lies.
    ///
    /// A priority above [`HIGHEST_PRIORITY`] counts as that; an affinity without any processor of the machine as all.
    pub fn create_thread(&mut self, object: VirtualAddress, priority: u8, affinity: u64) -> ThreadId {
        let allowed = affinity & self.active_processors();
        let affinity = if allowed == 0 { self.active_processors() } else { allowed };
        let id = ThreadId(u32::try_from(self.threads.len()).expect("threads fit 32 bits"));
        self.threads.push(Thread::new(object, priority.min(HIGHEST_PRIORITY), affinity));
        self.set_thread_object(id, object);
        self.ready.push_back(id);
        self.unsettle();
        id
    }

    /// A thread.
    ///
    /// # Panics
    /// When the number is not one that the dispatcher gave out.
    #[must_use]
    pub fn thread(&self, id: ThreadId) -> &Thread {
        &self.threads[id.0 as usize]
    }

    pub(super) fn thread_mut(&mut self, id: ThreadId) -> &mut Thread {
        &mut self.threads[id.0 as usize]
    }

    /// Every thread, idle ones and ended ones too, in the order of their numbers.
    pub fn threads(&self) -> impl Iterator<Item = (ThreadId, &Thread)> {
        (0..).map(ThreadId).zip(&self.threads)
    }

    /// Sets a thread's priority and returns the former one.
    pub fn set_priority(&mut self, id: ThreadId, priority: u8) -> u8 {
        self.unsettle();
        core::mem::replace(&mut self.thread_mut(id).priority, priority.min(HIGHEST_PRIORITY))
    }

    /// Sets the processors that a thread may run on and returns the former ones; `None`, and nothing is changed, when
    /// the machine has none of them. The thread moves at the next boundary at which its level is below
    /// DISPATCH_LEVEL.
    pub fn set_affinity(&mut self, id: ThreadId, affinity: u64) -> Option<u64> {
        let affinity = affinity & self.active_processors();
        self.unsettle();
        (affinity != 0).then(|| core::mem::replace(&mut self.thread_mut(id).affinity, affinity))
    }

    /// Gives the running thread another affinity for a time, or (`None`) its own back; returns the former one of this
    /// kind. An affinity without any processor of the machine changes nothing.
    pub fn set_system_affinity(&mut self, affinity: Option<u64>) -> Option<u64> {
        let affinity = affinity.map(|affinity| affinity & self.active_processors());
        let (_, id) = self.running();
        let former = self.thread(id).system_affinity;
        if affinity != Some(0) {
            self.unsettle();
            self.thread_mut(id).system_affinity = affinity;
        }
        former
    }

    /// Ends the running thread: its object is signalled for good, and the mutexes that it owns are abandoned. The
    /// caller asks [`block`](Dispatcher::block) next, since the thread never goes on.
    ///
    /// What the thread did wrong comes back in the order in which Windows would find it (MACH-043, MACH-045).
    ///
    /// # Panics
    /// When an idle thread runs, or a routine that interrupted the thread.
    pub fn terminate_running(&mut self, status: NtStatus) -> Vec<Crime> {
        let (processor, id) = self.running();
        assert!(!self.thread(id).is_idle && !self.is_interrupted(processor), "only a thread can end itself");
        let irql = self.processor(processor).irql();
        let thread = self.thread_mut(id);
        thread.exit_status = Some(status);
        let object = thread.object;
        let owned = core::mem::take(&mut thread.owned_mutexes);
        let mut crimes: Vec<Crime> =
            owned.iter().map(|&mutex| Crime::EndedOwningMutex { thread: object, mutex }).collect();
        for mutex in owned {
            self.abandon(mutex, id);
        }
        let counts = self.thread(id).combined_apc_disable();
        if counts != 0 {
            crimes.push(Crime::EndedInRegion { thread: object, counts, irql });
        }
        self.detach(ThreadState::Terminated);
        self.signal_thread(object, id);
        crimes
    }

    // ── Regions ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// The running thread enters a critical region: its normal and user procedure calls are held back (MACH-185).
    pub fn enter_critical_region(&mut self) {
        let (_, id) = self.running();
        self.change_kernel_apc_disable(id, -1);
    }

    /// The running thread leaves a critical region.
    ///
    /// # Errors
    /// [`Crime::RegionNotEntered`].
    pub fn leave_critical_region(&mut self) -> Result<(), Crime> {
        let (_, id) = self.running();
        let thread = self.thread(id);
        if thread.kernel_apc_disable == 0 {
            return Err(Crime::RegionNotEntered { thread: thread.object, guarded: false });
        }
        self.change_kernel_apc_disable(id, 1);
        Ok(())
    }

    /// The running thread enters a guarded region: all its procedure calls are held back (MACH-185).
    pub fn enter_guarded_region(&mut self) {
        let (_, id) = self.running();
        let thread = self.thread_mut(id);
        thread.special_apc_disable = thread.special_apc_disable.saturating_sub(1);
    }

    /// The running thread leaves a guarded region.
    ///
    /// # Errors
    /// [`Crime::RegionNotEntered`].
    pub fn leave_guarded_region(&mut self) -> Result<(), Crime> {
        let (_, id) = self.running();
        let thread = self.thread_mut(id);
        if thread.special_apc_disable == 0 {
            return Err(Crime::RegionNotEntered { thread: thread.object, guarded: true });
        }
        thread.special_apc_disable += 1;
        Ok(())
    }

    /// Whether the running thread's normal procedure calls are held back: in either kind of region, or while it owns a
    /// mutex (MACH-154, MACH-185).
    #[must_use]
    pub fn apcs_disabled(&self) -> bool {
        let (_, id) = self.running();
        self.thread(id).combined_apc_disable() != 0
    }

    /// Whether all procedure calls of the running thread are held back: in a guarded region, or at APC_LEVEL and
    /// above.
    #[must_use]
    pub fn all_apcs_disabled(&self) -> bool {
        let (processor, id) = self.running();
        self.thread(id).special_apc_disable != 0 || self.processor(processor).irql() >= Irql::APC
    }

    pub(super) fn change_kernel_apc_disable(&mut self, id: ThreadId, by: i16) {
        let thread = self.thread_mut(id);
        thread.kernel_apc_disable = thread.kernel_apc_disable.saturating_add(by);
    }
}
