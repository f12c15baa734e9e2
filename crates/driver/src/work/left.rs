//! What the driver had scheduled when its memory or its code went away.
//!
//! Memory that is freed with a queued timer, call or work item in it is told at once, and what lay there is forgotten
//! (MACH-046, MACH-047). What is still scheduled when the image goes is told when it reaches for the code that is gone, as
//! Windows would stop then (MACH-050), or at the end if it never did.

use super::timers::Purpose;
use crate::findings::Draft;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_finding::{Phase, Role};
use ntpool_machine::dispatcher::Forgotten;
use ntpool_machine::{Access, Fault};
use ntpool_types::{BugCheck, BugCheckCode, Bytes, Rule, Violation, VirtualAddress};
use ntpool_verifier::StackId;

/// Something that was still scheduled, or not given back, when the image went.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    rule: Rule,
    message: String,
    made: Option<StackId>,
}

impl Session {
    /// Tells of what of the driver's was still queued in memory that has just been freed by its call at `at`.
    pub(crate) fn memory_freed(&self, at: StackId, base: VirtualAddress, size: Bytes) {
        self.report_routines_freed(at, base, size);
        let forgotten = self.dispatcher().forget_range(base, size);
        for forgotten in forgotten {
            let (rule, message) = match forgotten {
                Forgotten::QueuedTimer { timer } => (
                    Rule::TimerInFreedMemory,
                    format!("memory was freed that holds the timer at {timer}, which is set"),
                ),
                Forgotten::DpcOfTimer { dpc, timer } => (
                    Rule::DpcInFreedMemory,
                    format!(
                        "memory was freed that holds the deferred procedure call at {dpc}, which the timer at {timer} \
                         is set to queue"
                    ),
                ),
                Forgotten::QueuedDpc { dpc } => (
                    Rule::DpcInFreedMemory,
                    format!(
                        "memory was freed that holds the deferred procedure call at {dpc}, which is queued"
                    ),
                ),
                Forgotten::Awaited { object, waiter_count } => (
                    Rule::ObjectInUse,
                    format!(
                        "memory was freed that holds the object at {object}, for which {waiter_count} threads wait"
                    ),
                ),
                Forgotten::OwnedMutex { mutex, .. } => (
                    Rule::ObjectInUse,
                    format!("memory was freed that holds the mutex at {mutex}, which a thread owns"),
                ),
            };
            self.tell_freed(at, rule, forgotten.bug_check(base, size), message);
        }
        let end = VirtualAddress(base.0.saturating_add(size.0));
        for item in self.work_items.forget(base, end) {
            let bug_check = BugCheck::new(BugCheckCode::WORKER_INVALID, [0, item.0, base.0, end.0]);
            let message = format!("memory was freed that holds the work item at {item}, which is queued");
            self.tell_freed(at, Rule::WorkItemInFreedMemory, Some(bug_check), message);
        }
    }

    /// Tells of something in freed memory, the first time that it is found at this place.
    fn tell_freed(&self, at: StackId, rule: Rule, bug_check: Option<BugCheck>, message: String) {
        if !self.is_repeated(rule, at) {
            let stack = self.stack(Role::At, at);
            self.tell(Draft::new(rule, bug_check, message).explained_by(vec![stack]));
        }
    }

    /// Tells of queued calls whose routine lay in memory that has just been freed.
    fn report_routines_freed(&self, at: StackId, base: VirtualAddress, size: Bytes) {
        let end = VirtualAddress(base.0.saturating_add(size.0));
        let queued: Vec<VirtualAddress> = {
            let dispatcher = self.dispatcher();
            let of_timers = dispatcher.queued_timers().filter_map(|(_, dpc)| dpc);
            of_timers.chain(dispatcher.queued_dpcs()).collect()
        };
        for dpc in queued.into_iter().filter(|dpc| !(base..end).contains(dpc)) {
            let Some(routine) = Session::dpc_routine(dpc).filter(|routine| (base..end).contains(routine))
            else {
                continue;
            };
            let bug_check = BugCheck::new(BugCheckCode::TIMER_OR_DPC_INVALID, [2, routine.0, base.0, end.0]);
            let message = format!(
                "memory was freed that holds the routine {routine} of the deferred procedure call at {dpc}, which is queued"
            );
            self.tell_freed(at, Rule::DpcInFreedMemory, Some(bug_check), message);
        }
    }

    // ── After unload ─────────────────────────────────────────────────────────────────────────────────────────────

    /// What the driver has scheduled, or made and not given back, as its image is about to go.
    pub(crate) fn scheduled_by_driver(&self) -> Vec<Left> {
        let mut left = Vec::new();
        let mut add = |rule, message, made| left.push(Left { rule, message, made });
        let (timers, dpcs) = {
            let dispatcher = self.dispatcher();
            let timers: Vec<_> = dispatcher.queued_timers().collect();
            (timers, dispatcher.queued_dpcs().collect::<Vec<_>>())
        };
        let calls = |dpc: VirtualAddress| match Session::dpc_routine(dpc) {
            Some(routine) => format!("calls {}", self.shown_place(routine)),
            None => format!("has its call at {dpc}"),
        };
        for (timer, dpc) in timers {
            let message = match (self.own_timers.purpose(timer), dpc) {
                (None, Some(dpc)) => format!("the timer at {timer} was left set; it {}", calls(dpc)),
                (None, None) => format!("the timer at {timer} was left set"),
                (Some(Purpose::Device { device, routine, .. }), _) => format!(
                    "the timer of the device object at {device} was left running; it calls {}",
                    self.shown_place(routine)
                ),
                // Told with what it belongs to.
                (Some(Purpose::Allocated { .. } | Purpose::Source { .. }), _) => continue,
            };
            add(Rule::TimerLeft, message, None);
        }
        for (timer, routine, made) in self.own_timers.allocated() {
            let message = match routine {
                VirtualAddress::NULL => format!("the allocated timer at {timer} was not deleted"),
                _ => format!(
                    "the allocated timer at {timer}, which calls {}, was not deleted",
                    self.shown_place(routine)
                ),
            };
            add(Rule::TimerLeft, message, Some(made));
        }
        for dpc in dpcs.into_iter().filter(|&dpc| self.own_timers.purpose(dpc).is_none()) {
            let message = format!("the deferred procedure call at {dpc} was left queued; it {}", calls(dpc));
            add(Rule::DpcLeft, message, None);
        }
        for item in self.work_items.queued() {
            add(Rule::WorkItemLeft, format!("the work item at {item} was left queued"), None);
        }
        for (item, made) in self.work_items.io_items() {
            add(Rule::WorkItemLeft, format!("the work item at {item} was not freed"), Some(made));
        }
        for (object, routine, made) in self.interrupts.connected() {
            let message = format!(
                "the interrupt at {object}, which calls {}, was not disconnected",
                self.shown_place(routine)
            );
            add(Rule::InterruptLeft, message, Some(made));
        }
        left
    }

    /// Tells of what was left and has not reached for the driver's code.
    pub(crate) fn report_scheduled_left(&self, left: &[Left]) {
        for Left { rule, message, made } in left {
            let stacks = made.map(|made| self.stack(Role::At, made)).into_iter().collect();
            self.report_afterwards(*rule, message, stacks);
        }
    }

    /// Something that is left calls code that is gone: the stop that Windows would make, which ends the run.
    pub(crate) fn stop_for_gone_code(&self, rule: Rule, routine: VirtualAddress, what: &str) -> Stop {
        let code = BugCheckCode::DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS;
        Stop::Crime {
            violation: Violation {
                rule,
                bug_check: BugCheck::new(code, [routine.0, 0, routine.0, 0]),
                subject: routine,
            },
            message: format!("{what} called {}, and the driver had been unloaded", self.shown_place(routine)),
        }
    }

    /// The system reaches for an object of the driver's that went with its image: at a raised level the stop is another.
    pub(crate) fn stop_for_gone_object(&self, rule: Rule, object: VirtualAddress, what: &str) -> Stop {
        let irql = self.irql();
        let bug_check = match rule {
            Rule::WorkItemLeft => BugCheck::new(
                BugCheckCode::DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS,
                [object.0, 0, 0, 0],
            ),
            // The queues of timers and calls are looked through at DISPATCH_LEVEL, whatever was interrupted.
            _ => BugCheck::new(
                BugCheckCode::SYSTEM_SCAN_AT_RAISED_IRQL_CAUGHT_IMPROPER_DRIVER_UNLOAD,
                [object.0, u64::from(irql.level().max(ntpool_types::Irql::DISPATCH.level())), 0, 0],
            ),
        };
        Stop::Crime {
            violation: Violation { rule, bug_check, subject: object },
            message: format!(
                "{what} was due, whose object at {} went with the driver's image",
                self.shown_place(object)
            ),
        }
    }

    /// A routine that was under way when the image went returned to its code, or touched its data.
    pub(crate) fn draft_for_gone_image(&self, fault: &Fault, instruction: VirtualAddress) -> Option<Draft> {
        if !self.image.has_left(fault.address) {
            return None;
        }
        let (rule, what) = match self.phase() {
            Phase::WorkItem => (Rule::WorkItemLeft, "the routine of a work item"),
            Phase::Dpc => (Rule::DpcLeft, "a deferred procedure call"),
            Phase::Interrupt => (Rule::InterruptLeft, "the routine of an interrupt"),
            _ => return None,
        };
        let written = u64::from(fault.access == Access::Write);
        let bug_check = BugCheck::new(
            BugCheckCode::DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS,
            [fault.address.0, written, instruction.0, 0],
        );
        let place = self.shown_place(fault.address);
        let message = format!("{what} reached {place} after the driver had been unloaded");
        Some(Draft::new(rule, Some(bug_check), message))
    }
}
