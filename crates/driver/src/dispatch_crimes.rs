//! What the dispatcher found wrong, told as findings.

use crate::findings::Draft;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_finding::Stack;
use ntpool_machine::dispatcher::{Crime, NotAnObject, WaitError};
use ntpool_types::{BugCheck, BugCheckCode, Rule, Severity, Violation, VirtualAddress};

/// The rule that a crime breaks.
fn rule_of(crime: &Crime) -> Rule {
    match crime {
        Crime::TooManyObjects { .. } => Rule::WaitTooManyObjects,
        Crime::WaitInDpc { .. } | Crime::WaitTooHigh { .. } => Rule::WaitIrql,
        Crime::EndedOwningMutex { .. } => Rule::MutexLeft,
        Crime::EndedInRegion { .. } => Rule::ApcLeftDisabled,
        Crime::RegionNotEntered { .. } => Rule::ApcRegionNotEntered,
        Crime::ObjectInUse { .. } | Crime::TimerInUse { .. } => Rule::ObjectInUse,
        Crime::NoSuchProcessor { .. } => Rule::DpcBadProcessor,
        Crime::DpcChangedCounts { .. } => Rule::DpcApcCounts,
        Crime::LevelNotRestored { .. } => Rule::IrqlNotRestored,
        Crime::RanTooLong { .. } | Crime::RaisedTooLong { .. } => Rule::DpcTooLong,
    }
}

/// A crime as a finding.
pub(crate) fn draft_of(crime: &Crime) -> Draft {
    Draft::new(rule_of(crime), crime.bug_check(), crime.to_string())
}

impl Session {
    /// A crime as the reason why the routine that met it does not return.
    pub(crate) fn stop_for(&self, crime: &Crime) -> Stop {
        let (rule, message) = (rule_of(crime), crime.to_string());
        match crime.bug_check() {
            Some(mut bug_check) => {
                if matches!(crime, Crime::WaitInDpc { .. }) {
                    bug_check.parameters[2] = self.interrupted_stack().0;
                }
                Stop::Crime { violation: Violation { rule, bug_check, subject: Default::default() }, message }
            }
            None => Stop::Misuse { rule, message },
        }
    }

    /// A deferred procedure call that wants another thread or process to go on, as the reason why its routine does not
    /// return (MACH-048).
    pub(crate) fn stop_for_switch_from_dpc(&self, deed: &str) -> Stop {
        let (thread, next) = {
            let dispatcher = self.dispatcher();
            let (number, thread) = dispatcher.running();
            let next = dispatcher.idle_thread(number);
            (dispatcher.thread(thread).object(), dispatcher.thread(next).object())
        };
        Stop::Crime {
            violation: Violation {
                rule: Rule::WaitIrql,
                bug_check: BugCheck::new(
                    BugCheckCode::ATTEMPTED_SWITCH_FROM_DPC,
                    [thread.0, next.0, self.interrupted_stack().0, 0],
                ),
                subject: Default::default(),
            },
            message: format!("a deferred procedure call {deed}; it had interrupted the thread {thread}"),
        }
    }

    /// Where the kernel stack of the thread begins whose processor a deferred procedure call has.
    fn interrupted_stack(&self) -> VirtualAddress {
        self.strands.current().fiber.stack().end()
    }

    /// A wait that did not start as the reason why its routine does not return.
    pub(crate) fn stop_for_wait(&self, error: &WaitError) -> Stop {
        match error {
            WaitError::NotAnObject(missing) => self.stop_for_missing(missing),
            WaitError::Refused(crime) => self.stop_for(crime),
        }
    }

    /// An address that is no object of the kind that a routine takes, as the reason why the routine does not return.
    pub(crate) fn stop_for_missing(&self, missing: &NotAnObject) -> Stop {
        let NotAnObject(address) = *missing;
        Stop::Misuse {
            rule: Rule::ObjectNotInitialized,
            message: format!("{missing}; the address is {}", self.describe(address)),
        }
    }

    /// Tells of what a routine left behind that had interrupted a thread. A crime that Windows stops for ends the run.
    pub(crate) fn work_ended(&self, crimes: &[Crime]) {
        self.tell_crimes(crimes, None);
    }

    /// Tells of what was left behind at this place. A crime that Windows stops for ends the run.
    pub(crate) fn tell_crimes(&self, crimes: &[Crime], at: Option<Stack>) {
        for crime in crimes {
            self.tell(draft_of(crime).explained_by(at.iter().cloned().collect()));
            if rule_of(crime).severity() == Severity::Hard {
                self.ended.set(true);
            }
        }
    }
}
