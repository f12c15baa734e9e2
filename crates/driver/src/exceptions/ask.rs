//! Asking a frame's handler, and what it is shown.
//!
//! # Invariants
//! Before any driver code runs for a question, everything that it may look at has been written.

use super::c_handler::{Handled, HandlerCall};
use super::in_progress::{Call, Entered, Purpose};
use super::walk::Frame;
use super::{Engine, FullContext};
use crate::stop::Stop;
use ntpool_abi::zerocopy::FromZeros;
use ntpool_abi::{DispatcherContext, ExceptionRecord, ProcessorContext, UnwindHistoryTable};
use ntpool_machine::Fault;
use ntpool_types::VirtualAddress;
use std::cell::Cell;

/// What a handler is asked.
pub(super) struct Question<'a> {
    pub(super) desk: &'a Desk,
    pub(super) frame: &'a Frame,
    /// The handler.
    pub(super) routine: VirtualAddress,
    /// The data that the compiler left for it.
    pub(super) data: VirtualAddress,
    /// The exception's record.
    pub(super) record: VirtualAddress,
    /// What the record's flags become.
    pub(super) flags: u32,
    pub(super) pass: Pass<'a>,
    pub(super) target_ip: u64,
    pub(super) scope_index: u32,
}

/// The pass that asks.
#[derive(Clone, Copy)]
pub(super) enum Pass<'a> {
    /// The search.
    Search {
        /// The registers where the exception happened.
        exception: &'a Exhibit<'a>,
        /// The registers in the frame above.
        caller: &'a FullContext,
    },
    /// The unwind.
    Unwind {
        /// The registers in the frame that goes away.
        context: &'a FullContext,
        /// The level of its segment.
        level: usize,
    },
}

impl Engine<'_> {
    /// Asks a frame's handler: the machine's own one for C, or driver code.
    pub(super) fn ask(&self, question: &Question<'_>) -> Result<Handled, Stop> {
        let told = question.told();
        self.write_field(question.record, ExceptionRecord::FLAGS, question.flags)?;
        if self.surroundings.is_c_handler(question.routine) {
            let mut shown = None;
            let mut show = || {
                if shown.is_none() {
                    shown = Some(self.show(question, &told)?);
                }
                Ok(())
            };
            return self.handle(question.call(), &told, question.flags, &mut show);
        }
        let _shown = self.show(question, &told)?;
        let HandlerCall { record, frame, context, dispatcher } = question.call();
        let answer = self.surroundings.call(question.routine, &[record.0, frame, context.0, dispatcher.0])?;
        // An answer is 32 bits wide.
        Ok(Handled::Answer(answer as u32))
    }

    /// Writes what driver code may look at, and notes what it is called for.
    fn show(&self, question: &Question<'_>, told: &DispatcherContext) -> Result<Entered<'_>, Stop> {
        let Question { desk, .. } = question;
        let (shown, purpose) = match question.pass {
            Pass::Search { exception, caller } => {
                exception.show(self)?;
                (caller, Purpose::Search { establisher: question.frame.establisher })
            }
            Pass::Unwind { context, level } => {
                let purpose =
                    Purpose::Unwind { context: Box::new(*context), level, dispatcher: desk.dispatcher };
                (context, purpose)
            }
        };
        desk.show_history(self)?;
        self.write(desk.context, shown.to_record())?;
        self.write(desk.dispatcher, *told)?;
        Ok(self.in_progress.enter(Call { level: self.surroundings.segment_count(), purpose }))
    }
}

impl Question<'_> {
    fn told(&self) -> DispatcherContext {
        DispatcherContext {
            control_pc: self.frame.control_pc,
            image_base: self.frame.image_base.0,
            function_entry: self.frame.entry.0,
            establisher_frame: self.frame.establisher,
            target_ip: self.target_ip,
            context_record: self.desk.context.0,
            language_handler: self.routine.0,
            handler_data: self.data.0,
            history_table: self.desk.history.0,
            scope_index: self.scope_index,
            fill: 0,
        }
    }

    fn call(&self) -> HandlerCall {
        let context = match self.pass {
            Pass::Search { exception, .. } => exception.at,
            Pass::Unwind { .. } => self.desk.context,
        };
        HandlerCall {
            record: self.record,
            frame: self.frame.establisher,
            context,
            dispatcher: self.desk.dispatcher,
        }
    }
}

/// Room on the driver's stack for what handlers are shown besides the record.
pub(super) struct Desk {
    pub(super) dispatcher: VirtualAddress,
    pub(super) context: VirtualAddress,
    history: VirtualAddress,
    /// Whether nobody has cleared the history yet.
    history_is_new: Cell<bool>,
}

impl Desk {
    pub(super) fn reserve(engine: &Engine<'_>, history: Option<VirtualAddress>) -> Result<Desk, Stop> {
        /// A context is aligned to 16, and so is what lies below it.
        const BELOW_CONTEXT: u64 = DispatcherContext::SIZE.next_multiple_of(16);
        const BELOW_HISTORY: u64 = BELOW_CONTEXT + ProcessorContext::SIZE;
        let history_is_new = Cell::new(history.is_none());
        let history_size = if history.is_none() { size_of::<UnwindHistoryTable>() as u64 } else { 0 };
        let dispatcher = engine.surroundings.reserve(BELOW_HISTORY + history_size)?;
        let context = VirtualAddress(dispatcher.0 + BELOW_CONTEXT);
        let history = history.unwrap_or(VirtualAddress(dispatcher.0 + BELOW_HISTORY));
        Ok(Desk { dispatcher, context, history, history_is_new })
    }

    /// The history, where driver code may have seen it.
    pub(super) fn shown_history(&self) -> Option<VirtualAddress> {
        (!self.history_is_new.get()).then_some(self.history)
    }

    fn show_history(&self, engine: &Engine<'_>) -> Result<(), Fault> {
        if self.history_is_new.replace(false) {
            engine.write(self.history, UnwindHistoryTable::new_zeroed())?;
        }
        Ok(())
    }
}

/// The registers of an exception, whose record on the driver's stack is written when somebody may look at it.
pub(super) struct Exhibit<'a> {
    pub(super) at: VirtualAddress,
    registers: &'a FullContext,
    is_shown: Cell<bool>,
}

impl<'a> Exhibit<'a> {
    pub(super) fn reserve(engine: &Engine<'_>, registers: &'a FullContext) -> Result<Exhibit<'a>, Stop> {
        let at = engine.surroundings.reserve(ProcessorContext::SIZE)?;
        Ok(Exhibit { at, registers, is_shown: Cell::new(false) })
    }

    pub(super) fn show(&self, engine: &Engine<'_>) -> Result<(), Fault> {
        if !self.is_shown.replace(true) {
            engine.write(self.at, self.registers.to_record())?;
        }
        Ok(())
    }
}
