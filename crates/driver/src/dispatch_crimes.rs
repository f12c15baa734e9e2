//! What the dispatcher found wrong, told as findings.

use crate::findings::Draft;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_machine::dispatcher::{Crime, NotAnObject, ThreadId, WaitError};
use ntpool_types::{Rule, Severity, Violation};

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

pub(crate) fn draft_of(crime: &Crime) -> Draft {
    Draft::new(rule_of(crime), crime.bug_check(), crime.to_string())
}

impl Session {
    /// A crime as the reason why the routine that met it does not return.
    pub(crate) fn stop_for(&self, crime: &Crime) -> Stop {
        let (rule, message) = (rule_of(crime), crime.to_string());
        match crime.bug_check() {
            Some(bug_check) => {
                Stop::Crime { violation: Violation { rule, bug_check, subject: Default::default() }, message }
            }
            None => Stop::Misuse { rule, message },
        }
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

    /// Tells of what a thread left behind by ending. A crime that Windows stops for ends the run.
    pub(crate) fn thread_ended(&self, _thread: ThreadId, crimes: &[Crime]) {
        self.tell_crimes(crimes);
    }

    /// Tells of what a routine left behind that had interrupted a thread. A crime that Windows stops for ends the run.
    pub(crate) fn work_ended(&self, crimes: &[Crime]) {
        self.tell_crimes(crimes);
    }

    fn tell_crimes(&self, crimes: &[Crime]) {
        for crime in crimes {
            self.tell(draft_of(crime));
            if rule_of(crime).severity() == Severity::Hard {
                self.ended.set(true);
            }
        }
    }
}
