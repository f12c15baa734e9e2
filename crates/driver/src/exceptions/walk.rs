//! The walk over a fiber's driver frames, the innermost first, from segment to segment.

use super::in_progress::Purpose;
use super::{Engine, FullContext, Stack};
use crate::stop::Stop;
use ntpool_abi::{DispatcherContext, ProcessorContext};
use ntpool_image::Handler;
use ntpool_types::VirtualAddress;

/// A walk: where it has come to.
pub(super) struct Walk<'a> {
    engine: Engine<'a>,
    /// The registers in the frame that comes next.
    pub(super) context: FullContext,
    /// Those in the frame after it, once [`next`](Walk::next) has met it.
    caller: FullContext,
    /// The depth of that frame's segment.
    pub(super) depth: usize,
    /// How the next frame was taken over, if an unwind was at work on it.
    pub(super) taken_over: Option<TakenOver>,
}

/// How a frame was taken over from an unwind that was at work on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TakenOver {
    /// The first scope of its function that has still to be looked at.
    pub(super) scope_index: u32,
}

/// A driver function's frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Where control left the function.
    pub(super) control_pc: u64,
    pub(super) image_base: VirtualAddress,
    /// The function's entry in the function table, NULL for a leaf function.
    pub(super) entry: VirtualAddress,
    /// The frame's base.
    pub(super) establisher: u64,
    pub(super) handler: Option<Handler>,
}

impl Frame {
    /// The handler's address, and that of the data that the compiler left for it.
    pub(super) fn handler_at(&self, handler: Handler) -> (VirtualAddress, VirtualAddress) {
        let at = |rva: u32| VirtualAddress(self.image_base.0.wrapping_add(u64::from(rva)));
        (at(handler.routine), at(handler.data))
    }

    /// Whether it is the frame that an unwind leads to. Leaf functions have none that anybody could name.
    pub(super) fn is(&self, target: Option<u64>) -> bool {
        self.entry != VirtualAddress::NULL && target == Some(self.establisher)
    }
}

/// What a walk meets.
pub(super) enum Next {
    /// A frame; [`Walk::advance`] goes past it.
    Frame(Frame),
    /// The walk has left a segment, which a search had called for the frame of this base if there is one.
    Left(Option<u64>),
    /// There are no more frames.
    End,
    /// The stack is not one, here.
    Invalid,
}

impl<'a> Walk<'a> {
    /// A walk that begins in the frame with these registers, in the segment of this depth.
    pub(super) fn new(engine: Engine<'a>, context: FullContext, depth: usize) -> Walk<'a> {
        Walk { engine, caller: context, context, depth, taken_over: None }
    }

    /// What comes next.
    pub(super) fn next(&mut self) -> Result<Next, Stop> {
        let surroundings = self.engine.surroundings;
        let Some(segment) = surroundings.segment(self.depth) else { return Ok(Next::End) };
        let stack_pointer = self.context.stack_pointer();
        if !segment.has_room_for(stack_pointer) {
            return Ok(Next::Invalid);
        }
        if stack_pointer >= segment.end() {
            return self.leave();
        }
        let Some(frame) = self.frame() else { return Ok(Next::Invalid) };
        let in_order = self.caller.stack_pointer() > stack_pointer
            && (frame.handler.is_none() || segment.has_room_for(frame.establisher));
        Ok(if in_order { Next::Frame(frame) } else { Next::Invalid })
    }

    /// The registers in the frame above the one that the walk has met.
    pub(super) fn caller(&self) -> &FullContext {
        &self.caller
    }

    /// Goes past the frame that it has met.
    pub(super) fn advance(&mut self) {
        self.context = self.caller;
        self.taken_over = None;
    }

    /// Takes over what a handler put into its record by itself, when it says that another unwind was at work.
    pub(super) fn take_over(&mut self, dispatcher: VirtualAddress) -> Result<(), Stop> {
        let told: DispatcherContext = self.engine.read(dispatcher)?;
        let record: ProcessorContext = self.engine.read(VirtualAddress(told.context_record))?;
        self.context = FullContext::from_record(&record);
        self.depth = self.engine.depth_of(self.context.stack_pointer()).unwrap_or(self.depth);
        self.taken_over = Some(TakenOver { scope_index: told.scope_index });
        Ok(())
    }

    /// The frame that control is in, and the registers in the one above. Where no code is, as after a call through a wild
    /// pointer, there is nothing but the return address, as in a leaf function.
    fn frame(&mut self) -> Option<Frame> {
        let engine = &self.engine;
        let control_pc = self.context.instruction();
        self.caller = self.context;
        let caller = &mut self.caller.registers;
        let Some((image_base, table)) = engine.surroundings.image_at(VirtualAddress(control_pc)) else {
            let establisher = caller.rsp();
            caller.rip = engine.read(VirtualAddress(establisher)).ok()?;
            caller.set_rsp(establisher.wrapping_add(8));
            return Some(Frame {
                control_pc,
                image_base: VirtualAddress::NULL,
                entry: VirtualAddress::NULL,
                establisher,
                handler: None,
            });
        };
        let step = table.step_in_place(image_base, caller, &Stack(engine)).ok()?;
        let entry = step.entry.map(|entry| VirtualAddress(image_base.0 + u64::from(entry)));
        Some(Frame {
            control_pc,
            image_base,
            entry: entry.unwrap_or(VirtualAddress::NULL),
            establisher: step.establisher_frame,
            handler: step.handler,
        })
    }

    /// Leaves a segment: for the frame that an unwind was at when it called the segment, else for where driver code had
    /// entered the machine.
    fn leave(&mut self) -> Result<Next, Stop> {
        let engine = &self.engine;
        let asked_for = match engine.in_progress.purpose_of(engine.level(self.depth)) {
            Some(Purpose::Unwind { context, level, dispatcher }) => {
                let scope_index = engine.read_field(dispatcher, DispatcherContext::SCOPE_INDEX)?;
                self.depth = engine.depth(level);
                self.context = *context;
                self.taken_over = Some(TakenOver { scope_index });
                return Ok(Next::Left(None));
            }
            Some(Purpose::Search { establisher }) => Some(establisher),
            None => None,
        };
        let Some(caller) = engine.surroundings.caller(self.depth) else { return Ok(Next::End) };
        self.context = caller;
        self.depth += 1;
        self.taken_over = None;
        Ok(Next::Left(asked_for))
    }
}

impl Engine<'_> {
    /// The depth of the segment that a frame with this stack pointer belongs to.
    pub(super) fn depth_of(&self, stack_pointer: u64) -> Option<usize> {
        (0..self.surroundings.segment_count()).find(|&depth| {
            self.surroundings
                .segment(depth)
                .is_some_and(|segment| stack_pointer <= segment.end() && segment.has_room_for(stack_pointer))
        })
    }
}
