//! Making findings: what happened, where, and what Windows would have done.

use crate::call::Call;
use crate::session::Session;
use ntpool_finding::{Block as BlockRecord, Finding, Hex, Message, Phase, Role, Stack};
use ntpool_machine::Registers;
use ntpool_pool::Block;
use ntpool_types::{BugCheck, BugCheckCode, Bytes, Irql, Rule, Violation, VirtualAddress};
use ntpool_verifier::{Leak, StackId, StackTrace};
use std::collections::BTreeMap;

/// How often each deed was found, by its rule and its place. Only the first time is told.
pub(crate) type Told = BTreeMap<(&'static str, StackId), u64>;

/// What is known of a finding before the machine adds its state.
pub(crate) struct Draft {
    rule: Rule,
    bug_check: Option<BugCheck>,
    message: String,
    block: Option<Block>,
    count: u64,
    bytes: Option<Bytes>,
    stacks: Vec<Stack>,
    /// Whether it is about what the system waits for, and not about who runs.
    of_system: bool,
}

impl Draft {
    /// The same, about what the system waits for, whoever runs.
    pub(crate) fn of_system(self) -> Draft {
        Draft { of_system: true, ..self }
    }

    /// A finding under this rule, with the stop that Windows would make.
    pub(crate) fn new(rule: Rule, bug_check: Option<BugCheck>, message: impl Into<String>) -> Draft {
        Draft {
            rule,
            bug_check,
            message: message.into(),
            block: None,
            count: 1,
            bytes: None,
            stacks: Vec::new(),
            of_system: false,
        }
    }

    /// The same, with another stop.
    pub(crate) fn with_stop(self, bug_check: BugCheck) -> Draft {
        Draft { bug_check: Some(bug_check), ..self }
    }

    /// The same, about this block.
    pub(crate) fn about(self, block: Option<&Block>) -> Draft {
        Draft { block: block.copied(), ..self }
    }

    /// The same, explained by these stacks as well.
    pub(crate) fn explained_by(mut self, stacks: Vec<Stack>) -> Draft {
        self.stacks.extend(stacks);
        self
    }
}

impl Session {
    /// The call stack from these registers outwards.
    pub(crate) fn trace(&self, registers: &Registers) -> StackTrace {
        self.image.trace(registers)
    }

    /// The number of a stack.
    pub(crate) fn intern(&self, trace: &StackTrace) -> StackId {
        self.stacks.borrow_mut().intern(trace)
    }

    /// A stack of return addresses, for a report.
    pub(crate) fn stack(&self, role: Role, stack: StackId) -> Stack {
        let stacks = self.stacks.borrow();
        let frames = stacks.frames(stack).iter().map(|&address| self.image.frame(address, true)).collect();
        Stack { role, frames }
    }

    /// The stack of an instruction that trapped, for a report.
    pub(crate) fn trapped_stack(&self, registers: &Registers) -> Stack {
        let trace = self.trace(registers);
        let frames = trace
            .frames()
            .iter()
            .enumerate()
            .map(|(place, &address)| self.image.frame(address, place != 0))
            .collect();
        Stack { role: Role::At, frames }
    }

    /// The stack of a call, for a report.
    pub(crate) fn calling_stack(&self, registers: &Registers) -> Stack {
        let stack = self.intern(&self.trace(registers));
        self.stack(Role::At, stack)
    }

    /// Reports a violation by this call.
    pub(crate) fn report(&self, call: &Call<'_>, violation: &Violation, message: &str) {
        self.report_with(call, violation, message, None, Vec::new(), Role::At);
    }

    /// Reports a violation by this call that is about a block.
    pub(crate) fn report_about(
        &self,
        call: &Call<'_>,
        violation: &Violation,
        message: &str,
        block: &Block,
        stacks: Vec<Stack>,
    ) {
        self.report_with(call, violation, message, Some(block), stacks, Role::At);
    }

    /// Reports a violation by this call, explained by stacks that came before it.
    pub(crate) fn report_with(
        &self,
        call: &Call<'_>,
        violation: &Violation,
        message: &str,
        block: Option<&Block>,
        stacks: Vec<Stack>,
        role: Role,
    ) {
        let draft =
            Draft::new(violation.rule, Some(violation.bug_check), message).about(block).explained_by(stacks);
        self.tell_once(call, draft, role);
    }

    /// Reports that this call breaks a rule for which Windows has no stop of its own.
    pub(crate) fn report_rule(&self, call: &Call<'_>, rule: Rule, message: &str) {
        self.tell_once(call, Draft::new(rule, None, message), Role::At);
    }

    /// Reports what this call did, the first time that it does so from this place.
    pub(crate) fn tell_once(&self, call: &Call<'_>, draft: Draft, role: Role) {
        self.tell_first(call, draft, |stack| self.stack(role, stack));
    }

    /// The same for an instruction of the driver's that trapped and goes on.
    pub(crate) fn tell_trapped_once(&self, at: &Call<'_>, draft: Draft) {
        self.tell_first(at, draft, |_| self.trapped_stack(at.registers()));
    }

    fn tell_first(&self, call: &Call<'_>, mut draft: Draft, shown: impl FnOnce(StackId) -> Stack) {
        let stack = self.intern(&self.trace(call.registers()));
        if !self.is_repeated(draft.rule, stack) {
            draft.stacks.push(shown(stack));
            self.tell(draft);
        }
    }

    /// Counts a deed; whether the same was found at this place before.
    pub(crate) fn is_repeated(&self, rule: Rule, place: StackId) -> bool {
        let mut told = self.told.borrow_mut();
        let times = told.entry((rule.id(), place)).or_default();
        *times += 1;
        *times > 1
    }

    /// Reports something that is found when no driver code runs any more.
    pub(crate) fn report_afterwards(&self, rule: Rule, message: &str, stacks: Vec<Stack>) {
        self.tell(Draft::new(rule, None, message).explained_by(stacks));
    }

    /// Reports blocks that were left behind, all from one place.
    pub(crate) fn report_leak(&self, leak: &Leak, bug_check: BugCheck) {
        let Leak { stack, tag, kind, count, bytes, first, size, .. } = *leak;
        let message = match count {
            1 => format!("a block of {bytes} was left behind"),
            _ => format!("{count} blocks of {bytes} in all were left behind"),
        };
        let block = Block { address: first, size: size.unwrap_or(bytes), kind, tag };
        self.tell(Draft {
            rule: Rule::PoolLeak,
            bug_check: Some(bug_check),
            message,
            block: Some(block),
            count,
            bytes: Some(bytes),
            stacks: vec![self.stack(Role::Allocated, stack)],
            of_system: false,
        });
    }

    /// Sends a finding, with the machine's state.
    pub(crate) fn tell(&self, draft: Draft) {
        let Draft { rule, bug_check, message, block, count, bytes, mut stacks, of_system } = draft;
        let (phase, irql) = match of_system {
            true => (self.strands.main().phase.get(), Irql::PASSIVE),
            false => (self.phase(), self.irql()),
        };
        if phase == Phase::SystemThread {
            stacks.extend(self.created_stack(self.strands.current().thread.get()));
        }
        let verifier = bug_check.is_some_and(|stop| {
            let made_by_it =
                [BugCheckCode::DRIVER_VERIFIER_DETECTED_VIOLATION, BugCheckCode::TIMER_OR_DPC_INVALID];
            made_by_it.contains(&stop.code)
        });
        let finding = Finding {
            rule: rule.id().to_owned(),
            bug_check: bug_check.map(|stop| Hex(u64::from(stop.code.0))),
            name: bug_check.and_then(|stop| stop.code.name()).map(str::to_owned),
            parameters: bug_check.map(|stop| stop.parameters.map(Hex)),
            model: verifier.then(|| "with Driver Verifier".to_owned()),
            message,
            block: block.map(|block| BlockRecord {
                address: Hex(block.address.0),
                size: block.size.0,
                kind: block.kind.to_string(),
                tag: block.tag.to_string(),
            }),
            count,
            bytes: bytes.map(|bytes| bytes.0),
            stacks,
            phase,
            processor: self.processor_number().0,
            irql: irql.level(),
            time: self.now().0,
            repeat: self.order.repeat.clone(),
        };
        self.reporter.send(&Message::Finding(Box::new(finding)));
    }

    /// Makes a note, once, about something that this call does and that is no crime.
    pub(crate) fn note_once(&self, call: &Call<'_>, what: &str) {
        let stack = self.intern(&self.trace(call.registers()));
        let place = self.stacks.borrow().frames(stack).first().copied().unwrap_or_default();
        self.note_once_at(place, what);
    }

    /// The same about a place in the driver.
    pub(crate) fn note_once_at(&self, place: VirtualAddress, what: &str) {
        let note = format!("{what}, at {}", self.shown_place(place));
        if self.noted.borrow_mut().insert(note.clone()) {
            self.reporter.send(&Message::Note(note));
        }
    }

    /// An address as an offset in the image where it lies there.
    pub(crate) fn shown_place(&self, place: VirtualAddress) -> String {
        match self.image.offset_of(place) {
            Some(offset) => format!("{}+{offset:#x}", self.image.name),
            None => place.to_string(),
        }
    }

    /// Says how often findings that were told once happened again.
    pub(crate) fn note_repetitions(&self) {
        let stacks = self.stacks.borrow();
        for ((rule, stack), times) in self.told.borrow().iter().filter(|(_, times)| **times > 1) {
            let place = stacks.frames(*stack).first().copied().unwrap_or_default();
            let offset = self.shown_place(place);
            let again = times - 1;
            let note =
                format!("{rule} happened {again} more time{} at {offset}", if again == 1 { "" } else { "s" });
            self.reporter.send(&Message::Note(note));
        }
    }
}
