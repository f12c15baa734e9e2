//! The first pass: asking each frame's handler whether it wants the exception.

use super::ask::{Desk, Exhibit, Pass, Question};
use super::c_handler::Handled;
use super::walk::{Frame, Next, Walk};
use super::{Engine, FullContext, Reason, Target, Unhandled, Unwinding};
use crate::stop::Stop;
use ntpool_abi::zerocopy::FromZeros;
use ntpool_abi::{
    COLLIDED_UNWIND, CONTINUE_EXECUTION, CONTINUE_SEARCH, DispatcherContext, EXCEPTION_NESTED_CALL,
    EXCEPTION_NONCONTINUABLE, EXCEPTION_STACK_INVALID, ExceptionRecord, NESTED_EXCEPTION,
};
use ntpool_image::Handler;
use ntpool_types::{Irql, NtStatus, VirtualAddress};

/// A handler wanted to go on after an exception after which nobody can.
const NONCONTINUABLE_EXCEPTION: NtStatus = NtStatus(0xC000_0025);
/// A handler gave an answer that is none.
pub(super) const INVALID_DISPOSITION: NtStatus = NtStatus(0xC000_0026);

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dispatched {
    /// A handler dealt with it: driver code goes on where the exception happened, with these registers.
    Resume(Box<FullContext>),
    /// No handler wanted it.
    Unhandled(Box<Unhandled>),
    /// A handler did not return. Most often it wanted the exception, and this is the unwind that it made.
    Stop(Stop),
}

/// An exception that is being searched a handler for.
struct Search<'a> {
    engine: Engine<'a>,
    desk: Desk,
    record: VirtualAddress,
    exception: &'a Exhibit<'a>,
    /// What the record's flags are in the next frame.
    flags: u32,
    /// The outermost frame that an earlier search was at, while this one has not reached it.
    nested: Option<u64>,
}

/// What follows from a handler's answer.
enum Answered {
    /// The next one is asked.
    Next,
    /// The handler's record says where to go on.
    Collided,
    /// The search is over.
    Done(Dispatched),
}

impl Engine<'_> {
    /// Searches a handler for an exception that happened with these registers in the segment of this depth.
    pub(crate) fn dispatch(
        &self,
        record: &ExceptionRecord,
        context: &FullContext,
        depth: usize,
    ) -> Dispatched {
        match self.place(*record) {
            Ok(at) => self.dispatch_told(record, at, context, depth),
            Err(stop) => Dispatched::Stop(stop),
        }
    }

    /// Searches a handler for an exception whose record lies in the driver's memory already.
    pub(crate) fn dispatch_record(
        &self,
        record: VirtualAddress,
        context: &FullContext,
        depth: usize,
    ) -> Dispatched {
        match self.read(record) {
            Ok(told) => self.dispatch_told(&told, record, context, depth),
            Err(fault) => Dispatched::Stop(Stop::Fault(fault)),
        }
    }

    fn dispatch_told(
        &self,
        told: &ExceptionRecord,
        record: VirtualAddress,
        context: &FullContext,
        depth: usize,
    ) -> Dispatched {
        self.search(told, record, context, depth).unwrap_or_else(Dispatched::Stop)
    }

    /// Why the routine of the machine that dispatched does not return: registers to go on with are those of the
    /// segment that called it.
    pub(crate) fn settle(&self, dispatched: Dispatched, depth: usize) -> Stop {
        match dispatched {
            Dispatched::Resume(context) => {
                Stop::Unwind(Box::new(Unwinding { context: *context, level: self.level(depth) }))
            }
            Dispatched::Unhandled(unhandled) => Stop::Unhandled(unhandled),
            Dispatched::Stop(stop) => stop,
        }
    }

    /// Dispatches an exception that handling another one caused.
    pub(super) fn dispatch_within(
        &self,
        code: NtStatus,
        first: VirtualAddress,
        context: &FullContext,
        depth: usize,
    ) -> Dispatched {
        let record = ExceptionRecord {
            code: code.0,
            flags: EXCEPTION_NONCONTINUABLE,
            nested: first.0,
            address: context.instruction(),
            ..ExceptionRecord::new_zeroed()
        };
        self.dispatch(&record, context, depth)
    }

    /// Searches a handler for the exception of this record, which says what is told.
    fn search(
        &self,
        told: &ExceptionRecord,
        record: VirtualAddress,
        context: &FullContext,
        depth: usize,
    ) -> Result<Dispatched, Stop> {
        let exception = Exhibit::reserve(self, context)?;
        let unhandled = |reason| -> Result<Dispatched, Stop> {
            // A handler may have changed what it was shown.
            let told = self.read(record).unwrap_or(*told);
            exception.show(self)?;
            let context_at = exception.at;
            let unhandled =
                Unhandled { record: told, record_at: record, context_at, context: *context, reason };
            Ok(Dispatched::Unhandled(Box::new(unhandled)))
        };
        if self.surroundings.irql() >= Irql::DISPATCH {
            return unhandled(Reason::Level);
        }
        let mut search = Search {
            engine: *self,
            desk: Desk::reserve(self, None)?,
            record,
            exception: &exception,
            flags: told.flags & EXCEPTION_NONCONTINUABLE,
            nested: None,
        };
        let mut walk = Walk::new(*self, *context, depth);
        loop {
            match walk.next()? {
                Next::Frame(frame) => {
                    let answered = match frame.handler.filter(|handler| handler.on_exception) {
                        Some(handler) => search.ask(&walk, &frame, handler, (context, depth))?,
                        None => Answered::Next,
                    };
                    match answered {
                        Answered::Next => walk.advance(),
                        Answered::Collided => walk.take_over(search.desk.dispatcher)?,
                        Answered::Done(dispatched) => return Ok(dispatched),
                    }
                }
                Next::Left(Some(establisher)) => search.nest(establisher),
                Next::Left(None) => {}
                Next::End => return unhandled(Reason::Nobody),
                Next::Invalid => {
                    let flags = search.flags | EXCEPTION_STACK_INVALID;
                    self.write_field(record, ExceptionRecord::FLAGS, flags)?;
                    return unhandled(Reason::InvalidStack { stack_pointer: walk.context.stack_pointer() });
                }
            }
        }
    }
}

impl Search<'_> {
    fn ask(
        &mut self,
        walk: &Walk<'_>,
        frame: &Frame,
        handler: Handler,
        (context, depth): (&FullContext, usize),
    ) -> Result<Answered, Stop> {
        let engine = self.engine;
        let (routine, data) = frame.handler_at(handler);
        let handled = engine.ask(&Question {
            desk: &self.desk,
            frame,
            routine,
            data,
            record: self.record,
            flags: self.flags,
            pass: Pass::Search { exception: self.exception, caller: walk.caller() },
            target_ip: 0,
            scope_index: walk.taken_over.map_or(0, |taken| taken.scope_index),
        })?;
        let answer = match handled {
            Handled::Answer(answer) => answer,
            Handled::Execute(target) => {
                let target = Target { history: self.desk.shown_history(), ..target };
                return Ok(Answered::Done(Dispatched::Stop(engine.unwind(&target, context, depth))));
            }
        };
        let told = engine.read_field(self.record, ExceptionRecord::FLAGS)?;
        self.flags |= told & EXCEPTION_NONCONTINUABLE;
        if self.nested == Some(frame.establisher) {
            self.flags &= !EXCEPTION_NESTED_CALL;
            self.nested = None;
        }
        let within = |code| engine.dispatch_within(code, self.record, context, depth);
        Ok(match answer {
            CONTINUE_EXECUTION if self.flags & EXCEPTION_NONCONTINUABLE != 0 => {
                Answered::Done(within(NONCONTINUABLE_EXCEPTION))
            }
            CONTINUE_EXECUTION => {
                Answered::Done(Dispatched::Resume(Box::new(engine.read_context(self.exception.at)?)))
            }
            CONTINUE_SEARCH => Answered::Next,
            NESTED_EXCEPTION => {
                let dispatcher = self.desk.dispatcher;
                self.nest(engine.read_field(dispatcher, DispatcherContext::ESTABLISHER_FRAME)?);
                Answered::Next
            }
            COLLIDED_UNWIND => Answered::Collided,
            _ => Answered::Done(within(INVALID_DISPOSITION)),
        })
    }

    /// Notes that the exception happened in a handler that an earlier search had called for this frame.
    fn nest(&mut self, establisher: u64) {
        self.flags |= EXCEPTION_NESTED_CALL;
        self.nested = self.nested.max(Some(establisher));
    }
}
