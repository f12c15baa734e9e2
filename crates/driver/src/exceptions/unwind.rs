//! The second pass: telling each frame's handler that its frame goes away.

use super::ask::{Desk, Pass, Question};
use super::c_handler::Handled;
use super::search::INVALID_DISPOSITION;
use super::walk::{Next, Walk};
use super::{Engine, FullContext, Reason, Unhandled};
use crate::stop::Stop;
use ntpool_abi::zerocopy::FromZeros;
use ntpool_abi::{
    COLLIDED_UNWIND, CONTINUE_SEARCH, EXCEPTION_COLLIDED_UNWIND, EXCEPTION_EXIT_UNWIND,
    EXCEPTION_NONCONTINUABLE, EXCEPTION_TARGET_UNWIND, EXCEPTION_UNWINDING, ExceptionRecord,
};
use ntpool_machine::register;
use ntpool_types::{NtStatus, VirtualAddress};

/// The code in the record of an unwind that no exception caused.
const UNWIND: NtStatus = NtStatus(0xC000_0027);

/// How driver code goes on after an unwind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwinding {
    /// The registers to go on with.
    pub context: FullContext,
    /// The segment they belong to: its number from the outermost one, which is 0.
    pub level: usize,
}

/// Where an unwind leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The base of the frame to stop at; `None` to leave them all.
    pub(crate) frame: Option<u64>,
    /// Where control goes on in that frame's function.
    pub(crate) instruction: u64,
    /// What the result register holds there.
    pub(crate) value: u64,
    /// The record of the exception that is the reason, if there is one.
    pub(crate) record: Option<VirtualAddress>,
    /// A table of functions found lately, if the caller has one.
    pub(crate) history: Option<VirtualAddress>,
}

impl Engine<'_> {
    /// Unwinds from the frame with these registers, in the segment of this depth, to a target; gives what the routine of
    /// the machine that unwinds has to return with.
    pub(crate) fn unwind(&self, target: &Target, from: &FullContext, depth: usize) -> Stop {
        match self.unwind_frames(target, from, depth) {
            Ok(unwinding) => Stop::Unwind(Box::new(unwinding)),
            Err(stop) => stop,
        }
    }

    fn unwind_frames(&self, target: &Target, from: &FullContext, depth: usize) -> Result<Unwinding, Stop> {
        let record = match target.record {
            Some(record) => record,
            None => self.place(ExceptionRecord {
                code: UNWIND.0,
                address: from.instruction(),
                ..ExceptionRecord::new_zeroed()
            })?,
        };
        let told = self.read_field(record, ExceptionRecord::FLAGS)?;
        let exit = if target.frame.is_none() { EXCEPTION_EXIT_UNWIND } else { 0 };
        let flags = told & EXCEPTION_NONCONTINUABLE | EXCEPTION_UNWINDING | exit;
        let desk = Desk::reserve(self, target.history)?;
        let mut walk = Walk::new(*self, *from, depth);
        loop {
            let frame = match walk.next()? {
                Next::Frame(frame) => frame,
                Next::Left(_) => continue,
                Next::End if target.frame.is_none() => {
                    return Err(self.failed(record, &desk, &walk.context, Reason::Nobody));
                }
                Next::End | Next::Invalid => return Err(self.astray(record, &desk, &walk.context)),
            };
            if target.frame.is_some_and(|target| self.is_passed(target, frame.establisher)) {
                return Err(self.astray(record, &desk, &walk.context));
            }
            let is_target = frame.is(target.frame);
            walk.context.registers.registers[register::RAX] = target.value;
            if let Some(handler) = frame.handler.filter(|handler| handler.on_unwind) {
                let (routine, data) = frame.handler_at(handler);
                let last = if is_target { EXCEPTION_TARGET_UNWIND } else { 0 };
                let collided = walk.taken_over.map_or(0, |_| EXCEPTION_COLLIDED_UNWIND);
                let answer = self.ask(&Question {
                    desk: &desk,
                    frame: &frame,
                    routine,
                    data,
                    record,
                    flags: flags | last | collided,
                    pass: Pass::Unwind { context: &walk.context, level: self.level(walk.depth) },
                    target_ip: target.instruction,
                    scope_index: walk.taken_over.map_or(0, |taken| taken.scope_index),
                })?;
                match answer {
                    Handled::Answer(CONTINUE_SEARCH) => {}
                    Handled::Answer(COLLIDED_UNWIND) => {
                        walk.take_over(desk.dispatcher)?;
                        continue;
                    }
                    _ => {
                        let dispatched = self.dispatch_within(INVALID_DISPOSITION, record, from, depth);
                        return Err(self.settle(dispatched, depth));
                    }
                }
            }
            if is_target {
                walk.context.registers.rip = target.instruction;
                return Ok(Unwinding { level: self.level(walk.depth), context: walk.context });
            }
            walk.advance();
        }
    }

    /// Whether a frame lies above the target on the same stack: then the target is no frame, or one that is gone.
    fn is_passed(&self, target: u64, establisher: u64) -> bool {
        let stack = || self.surroundings.stack_at(VirtualAddress(establisher));
        target < establisher && stack().is_some_and(|stack| stack.contains(&target))
    }

    /// The end of an unwind that did not find its target.
    fn astray(&self, record: VirtualAddress, desk: &Desk, context: &FullContext) -> Stop {
        self.failed(record, desk, context, Reason::InvalidUnwind { stack_pointer: context.stack_pointer() })
    }

    fn failed(&self, record: VirtualAddress, desk: &Desk, context: &FullContext, reason: Reason) -> Stop {
        let shown = self.write(desk.context, context.to_record()).and_then(|()| self.read(record));
        match shown {
            Ok(told) => Stop::Unhandled(Box::new(Unhandled {
                record: told,
                record_at: record,
                context_at: desk.context,
                context: *context,
                reason,
            })),
            Err(fault) => Stop::Fault(fault),
        }
    }
}
