//! One step up the stack: from a function's registers to its caller's.
//!
//! What has to be undone depends on where in the function control is. In the epilogue the rest of it is carried out; in
//! the prologue only what it has done so far is undone; elsewhere all of it. Then the chained entries are undone, and
//! last the call itself, unless the processor pushed the frame.

use super::code::{Operation, Register};
use super::context::{Context, SavedRegisters, StackMemory};
use super::epilogue::{self, Adjust, Epilogue, Evidence};
use super::info::{Handler, RuntimeFunction, UnwindInfo};
use super::table::{MAXIMUM_CHAIN, UnwindTable};
use ntpool_types::VirtualAddress;
use std::fmt;
use std::ops::Range;

/// Where in a function control is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a function without unwind information: it has no frame.
    Leaf,
    /// In the prologue: the frame is half set up.
    Prologue,
    /// Between prologue and epilogue.
    Body,
    /// In the epilogue: the frame is half taken down.
    Epilogue,
}

/// What a step passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The entry of the function table that held the instruction, relative to the image; `None` for a leaf function.
    pub function: Option<Range<u32>>,
    /// Where that entry lies, relative to the image.
    pub entry: Option<u32>,
    /// Where in it control was.
    pub place: Place,
    /// The base of the frame: the value by which the function's handler finds its local variables.
    pub establisher_frame: u64,
    /// The routine that the function's exceptions are handed to; only in the body, since elsewhere there is no whole frame.
    pub handler: Option<Handler>,
    /// Whether the processor pushed the frame: the new instruction pointer is where control was interrupted, not a return
    /// address.
    pub machine_frame: bool,
}

/// Why a step can't be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnwindError {
    /// The instruction pointer is not in the image.
    OutsideImage {
        /// The instruction pointer.
        rip: u64,
    },
    /// The stack can't be read where the frame should be.
    Unreadable {
        /// The address.
        address: u64,
    },
}

impl fmt::Display for UnwindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnwindError::OutsideImage { rip } => {
                write!(f, "the address {rip:#x} is not in the image; unwind it with its own image's table")
            }
            UnwindError::Unreadable { address } => {
                write!(f, "the stack can't be read at {address:#x}; the stack pointer or a frame is damaged")
            }
        }
    }
}

impl std::error::Error for UnwindError {}

impl UnwindTable<'_> {
    /// Turns a function's registers into its caller's, the image being loaded at `image_base`.
    ///
    /// The instruction pointer may be anywhere in the function, return addresses included. On an error `context` is left
    /// as it was. Volatile registers keep their values, which mean nothing to the caller.
    pub fn step(
        &self,
        image_base: VirtualAddress,
        context: &mut Context,
        memory: &dyn StackMemory,
    ) -> Result<Step, UnwindError> {
        let mut stepped = *context;
        let step = self.step_in_place(image_base, &mut stepped, memory)?;
        *context = stepped;
        Ok(step)
    }

    /// Does what [`step`](Self::step) does, except that on an error `context` is undone in part: for who has a copy anyway.
    pub fn step_in_place(
        &self,
        image_base: VirtualAddress,
        context: &mut Context,
        memory: &dyn StackMemory,
    ) -> Result<Step, UnwindError> {
        self.step_frame(image_base, &mut Frame { context, memory, saved: None })
    }

    /// Does what [`step`](Self::step) does, and notes in `saved` where each restored register lay.
    ///
    /// Registers that the function did not save keep what `saved` says of them.
    pub fn step_noting(
        &self,
        image_base: VirtualAddress,
        context: &mut Context,
        memory: &dyn StackMemory,
        saved: &mut SavedRegisters,
    ) -> Result<Step, UnwindError> {
        let mut stepped = *context;
        let step =
            self.step_frame(image_base, &mut Frame { context: &mut stepped, memory, saved: Some(saved) })?;
        *context = stepped;
        Ok(step)
    }

    /// The return addresses up the stack, the innermost first, while they lie in the image, at most `limit` of them.
    ///
    /// The instruction pointer itself is not among them. The walk also ends where the stack can't be read and where the
    /// stack pointer fails to rise.
    #[must_use]
    pub fn walk(
        &self,
        image_base: VirtualAddress,
        context: &Context,
        memory: &dyn StackMemory,
        limit: usize,
    ) -> Vec<VirtualAddress> {
        // One frame for the whole walk: a context is 400 bytes, and copying it for every step showed in profiles.
        let mut context = *context;
        let mut frame = Frame { context: &mut context, memory, saved: None };
        let mut addresses = Vec::new();
        while addresses.len() < limit {
            let before = frame.context.rsp();
            let Ok(step) = self.step_frame(image_base, &mut frame) else { break };
            let rises = frame.context.rsp() > before || step.machine_frame;
            if !rises || self.rva_of(image_base, frame.context.rip).is_none() {
                break;
            }
            addresses.push(VirtualAddress(frame.context.rip));
        }
        addresses
    }

    fn rva_of(&self, image_base: VirtualAddress, rip: u64) -> Option<u32> {
        let distance = VirtualAddress(rip).offset_from(image_base)?;
        u32::try_from(distance.0).ok().filter(|&rva| rva < self.mapping.size_of_image)
    }

    /// Does what [`step`](Self::step) says; on an error the frame is undone in part.
    fn step_frame(&self, image_base: VirtualAddress, frame: &mut Frame<'_>) -> Result<Step, UnwindError> {
        let rip = frame.context.rip;
        let rva = self.rva_of(image_base, rip).ok_or(UnwindError::OutsideImage { rip })?;
        if let Some((place, function)) = self.find(rva)
            && let Ok(info) = UnwindInfo::decode(self.mapping, function.info)
        {
            return self.step_function(
                rva,
                &Found { entry: self.rva_of_entry(place), function, info },
                frame,
            );
        }
        let establisher_frame = frame.context.rsp();
        frame.undo_call()?;
        Ok(Step {
            function: None,
            entry: None,
            place: Place::Leaf,
            establisher_frame,
            handler: None,
            machine_frame: false,
        })
    }

    fn step_function(&self, rva: u32, found: &Found<'_>, frame: &mut Frame<'_>) -> Result<Step, UnwindError> {
        let Found { entry, function, info } = found;
        let offset = rva - function.begin;
        let in_prologue = offset < u32::from(info.prologue_size);
        let undone = if in_prologue { Undone::UpTo(offset) } else { Undone::All };
        let mut step = Step {
            function: Some(function.begin..function.end),
            entry: Some(*entry),
            place: if in_prologue { Place::Prologue } else { Place::Body },
            establisher_frame: frame.base(info, undone),
            handler: None,
            machine_frame: false,
        };
        if let Some(epilogue) = self.find_epilogue(rva, found) {
            step.place = Place::Epilogue;
            frame.finish(&epilogue)?;
            return Ok(step);
        }
        let (handler, machine_frame) = self.undo_chain(info, undone, frame)?;
        step.machine_frame = machine_frame;
        // A part that was moved away has a prologue of its own, but the function it belongs to has passed its.
        if !in_prologue || info.chained.is_some() {
            step.handler = handler;
        }
        if !machine_frame {
            frame.undo_call()?;
        }
        Ok(step)
    }

    fn find_epilogue(&self, rva: u32, found: &Found<'_>) -> Option<Epilogue> {
        let Found { function, info, .. } = found;
        let evidence = match info.version {
            2 if info.epilogues(function.end).any(|range| range.contains(&rva)) => Evidence::Described,
            2 => return None,
            _ => Evidence::Form,
        };
        epilogue::decode(self, rva, function.end, info.frame, evidence)
    }

    /// Undoes an entry and those chained to it; gives the last one's handler and whether the processor pushed the frame.
    fn undo_chain(
        &self,
        first: &UnwindInfo<'_>,
        undone: Undone,
        frame: &mut Frame<'_>,
    ) -> Result<(Option<Handler>, bool), UnwindError> {
        let mut machine_frame = frame.undo(first, undone)?;
        let (mut handler, mut chained) = (first.handler, first.chained);
        for _ in 1..MAXIMUM_CHAIN {
            let parent = chained.and_then(|parent| UnwindInfo::decode(self.mapping, parent.info).ok());
            let Some(parent) = parent else { break };
            machine_frame |= frame.undo(&parent, Undone::All)?;
            (handler, chained) = (parent.handler, parent.chained);
        }
        Ok((handler, machine_frame))
    }
}

/// The entry of the function table that holds an instruction.
struct Found<'image> {
    /// Where it lies, relative to the image.
    entry: u32,
    function: RuntimeFunction,
    info: UnwindInfo<'image>,
}

/// How much of a prologue has been executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Undone {
    /// All of it.
    All,
    /// What ends at or before this offset from the function's start.
    UpTo(u32),
}

impl Undone {
    fn covers(self, prologue_offset: u8) -> bool {
        match self {
            Undone::All => true,
            Undone::UpTo(offset) => u32::from(prologue_offset) <= offset,
        }
    }
}

/// A frame that is being undone.
struct Frame<'memory> {
    context: &'memory mut Context,
    memory: &'memory dyn StackMemory,
    saved: Option<&'memory mut SavedRegisters>,
}

impl Frame<'_> {
    fn read(&self, address: u64) -> Result<u64, UnwindError> {
        self.memory.read_u64(address).ok_or(UnwindError::Unreadable { address })
    }

    fn pop(&mut self) -> Result<u64, UnwindError> {
        let value = self.read(self.context.rsp())?;
        self.free(8);
        Ok(value)
    }

    /// Restores a general register from the stack.
    fn restore(&mut self, register: Register, address: u64) -> Result<(), UnwindError> {
        let value = self.read(address)?;
        self.context.set(register, value);
        if let Some(saved) = &mut self.saved {
            saved.general[register.index()] = Some(address);
        }
        Ok(())
    }

    fn free(&mut self, bytes: u64) {
        self.context.set_rsp(self.context.rsp().wrapping_add(bytes));
    }

    fn undo_call(&mut self) -> Result<(), UnwindError> {
        self.context.rip = self.pop()?;
        Ok(())
    }

    /// The address that saved registers are counted from: the frame register's, once it is set, or the stack pointer.
    fn base(&self, info: &UnwindInfo<'_>, undone: Undone) -> u64 {
        let is_set = undone == Undone::All
            || info.codes().any(|code| {
                code.operation == Operation::SetFrameRegister && undone.covers(code.prologue_offset)
            });
        match info.frame {
            Some(frame) if is_set => self.context.get(frame.register).wrapping_sub(u64::from(frame.offset)),
            _ => self.context.rsp(),
        }
    }

    /// Undoes what one entry's prologue did; gives whether the processor pushed the frame.
    fn undo(&mut self, info: &UnwindInfo<'_>, undone: Undone) -> Result<bool, UnwindError> {
        let base = self.base(info, undone);
        let mut machine_frame = false;
        for code in info.codes() {
            if !undone.covers(code.prologue_offset) {
                continue;
            }
            match code.operation {
                Operation::Push(register) => {
                    self.restore(register, self.context.rsp())?;
                    self.free(8);
                }
                Operation::Allocate { bytes } => self.free(u64::from(bytes)),
                Operation::SetFrameRegister => self.context.set_rsp(base),
                Operation::Save { register, offset } => {
                    self.restore(register, base.wrapping_add(u64::from(offset)))?;
                }
                Operation::SaveXmm { register, offset } => {
                    let address = base.wrapping_add(u64::from(offset));
                    let low = u128::from(self.read(address)?);
                    let high = u128::from(self.read(address.wrapping_add(8))?);
                    let register = usize::from(register & 0xF);
                    self.context.xmm[register] = low | high << 64;
                    if let Some(saved) = &mut self.saved {
                        saved.xmm[register] = Some(address);
                    }
                }
                Operation::Epilogue(_) => {}
                Operation::MachineFrame { error_code } => {
                    self.undo_machine_frame(error_code)?;
                    machine_frame = true;
                }
            }
        }
        Ok(machine_frame)
    }

    /// Undoes what the processor pushed: perhaps an error code, then rip, cs, flags, rsp and ss.
    fn undo_machine_frame(&mut self, error_code: bool) -> Result<(), UnwindError> {
        if error_code {
            self.free(8);
        }
        let at = self.context.rsp();
        self.context.rip = self.read(at)?;
        let rsp = self.read(at.wrapping_add(24))?;
        self.context.set_rsp(rsp);
        Ok(())
    }

    /// Carries out what is left of an epilogue.
    fn finish(&mut self, epilogue: &Epilogue) -> Result<(), UnwindError> {
        match epilogue.adjust {
            Adjust::None => {}
            Adjust::Add(bytes) => self.free(i64::from(bytes).cast_unsigned()),
            Adjust::Lea(register, bytes) => {
                let base = self.context.get(register);
                self.context.set_rsp(base.wrapping_add_signed(i64::from(bytes)));
            }
        }
        for &register in epilogue.pops() {
            self.restore(register, self.context.rsp())?;
            self.free(8);
        }
        self.undo_call()?;
        self.free(u64::from(epilogue.return_bytes));
        Ok(())
    }
}
