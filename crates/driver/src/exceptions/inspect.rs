//! What driver code can find out about its own frames, and the registers it can save and restore.

use super::walk::{Next, Walk};
use super::{Engine, FullContext, InProgress, Reason, Stack, Unhandled, Unwinding};
use crate::stop::{Answer, Stop};
use ntpool_abi::zerocopy::FromZeros;
use ntpool_abi::{
    EXCEPTION_STACK_INVALID, ExceptionRecord, ProcessorContext, SavedRegisterPointers, UNW_FLAG_EHANDLER,
    UNW_FLAG_UHANDLER,
};
use ntpool_image::{SavedRegisters, UnwindError};
use ntpool_machine::{Access, Fault};
use ntpool_types::{NtStatus, VirtualAddress};

/// The code of a stack that is none.
const BAD_STACK: NtStatus = NtStatus(0xC000_0028);

/// The arguments of a step up the stack that driver code makes by itself. Pointers may be NULL where they are optional.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VirtualUnwind {
    /// Which kind of handler is asked for, by flags.
    pub(crate) handler_type: u32,
    /// Where control left the function.
    pub(crate) control_pc: u64,
    /// The registers, which become the caller's.
    pub(crate) context: VirtualAddress,
    /// Gets the address of the handler's data.
    pub(crate) handler_data: VirtualAddress,
    /// Gets the base of the frame.
    pub(crate) establisher_frame: VirtualAddress,
    /// Gets the places of the registers that were restored; optional.
    pub(crate) pointers: VirtualAddress,
}

/// Where the addresses of a stack trace go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BackTrace {
    /// How many frames are left out.
    pub(crate) skip: u32,
    /// The most addresses that are wanted.
    pub(crate) limit: u32,
    /// Gets the addresses.
    pub(crate) addresses: VirtualAddress,
    /// Gets a number made of them; optional.
    pub(crate) hash: VirtualAddress,
}

impl Engine<'_> {
    /// Finds the image that holds an address: gives its base, and writes it where asked; 0 where no image is.
    ///
    /// # Errors
    /// The fault, when it can't be written.
    pub(crate) fn find_image(&self, address: VirtualAddress, base_out: VirtualAddress) -> Answer {
        let base = self.surroundings.image_at(address).map_or(0, |(base, _)| base.0);
        self.write(base_out, base)?;
        Ok(base)
    }

    /// Finds the entry of the function that holds an address: gives its own address and writes its image's base; 0 for a
    /// leaf function and where no image is.
    ///
    /// # Errors
    /// The fault, when the base can't be written.
    pub(crate) fn find_function(&self, address: VirtualAddress, base_out: VirtualAddress) -> Answer {
        let found = self.surroundings.image_at(address);
        self.write(base_out, found.map_or(0, |(base, _)| base.0))?;
        let entry = found.and_then(|(base, table)| {
            let rva = u32::try_from(address.offset_from(base)?.0).ok()?;
            Some(base.0 + u64::from(table.entry_rva(rva)?))
        });
        Ok(entry.unwrap_or(0))
    }

    /// Makes a step up the stack for driver code: gives the address of the function's handler, or 0.
    ///
    /// # Errors
    /// The fault, when a record or the stack can't be read or written.
    pub(crate) fn virtual_unwind(&self, request: &VirtualUnwind) -> Answer {
        let mut record: ProcessorContext = self.read(request.context)?;
        let mut context = FullContext::from_record(&record);
        context.registers.rip = request.control_pc;
        let mut saved = SavedRegisters::default();
        let (mut routine, mut data) = (0, 0);
        let establisher = match self.surroundings.image_at(VirtualAddress(request.control_pc)) {
            Some((base, table)) => {
                let step = table
                    .step_noting(base, &mut context.registers, &Stack(self), &mut saved)
                    .map_err(|error| Stop::Fault(fault_of(error)))?;
                let asked_for = step.handler.filter(|handler| {
                    handler.on_exception && request.handler_type & UNW_FLAG_EHANDLER != 0
                        || handler.on_unwind && request.handler_type & UNW_FLAG_UHANDLER != 0
                });
                if let Some(handler) = asked_for {
                    routine = base.0 + u64::from(handler.routine);
                    data = base.0 + u64::from(handler.data);
                }
                step.establisher_frame
            }
            None => {
                let establisher = context.stack_pointer();
                context.registers.rip = self.read(VirtualAddress(establisher))?;
                context.registers.set_rsp(establisher.wrapping_add(8));
                establisher
            }
        };
        context.write_registers(&mut record);
        self.write(request.context, record)?;
        self.write_if_asked(request.handler_data, data)?;
        self.write_if_asked(request.establisher_frame, establisher)?;
        self.write_saved(request.pointers, &saved)?;
        Ok(routine)
    }

    fn write_saved(&self, pointers: VirtualAddress, saved: &SavedRegisters) -> Result<(), Fault> {
        if pointers == VirtualAddress::NULL {
            return Ok(());
        }
        let mut told: SavedRegisterPointers = self.read(pointers)?;
        let fields = told.xmm.iter_mut().chain(&mut told.general);
        for (told, place) in fields.zip(saved.xmm.iter().chain(&saved.general)) {
            *told = place.unwrap_or(*told);
        }
        self.write(pointers, told)
    }

    /// Writes the caller's registers.
    ///
    /// # Errors
    /// The fault, when they can't be written.
    pub(crate) fn capture_context(&self, at: VirtualAddress, caller: &FullContext) -> Answer {
        self.write(at, caller.to_record())?;
        Ok(0)
    }

    /// Goes on with these registers, in whatever frame they belong to; gives what the routine of the machine has to
    /// return with.
    pub(crate) fn restore_context(&self, at: VirtualAddress, caller: &FullContext) -> Stop {
        let context = match self.read_context(at) {
            Ok(context) => context,
            Err(fault) => return Stop::Fault(fault),
        };
        match self.depth_of(context.stack_pointer()) {
            Some(depth) => Stop::Unwind(Box::new(Unwinding { context, level: self.level(depth) })),
            None => self.refuse_stack(at, &context, caller),
        }
    }

    /// The end of an attempt to go on with a stack pointer that is on no stack.
    fn refuse_stack(&self, at: VirtualAddress, context: &FullContext, caller: &FullContext) -> Stop {
        let record = ExceptionRecord {
            code: BAD_STACK.0,
            flags: EXCEPTION_STACK_INVALID,
            address: caller.instruction(),
            ..ExceptionRecord::new_zeroed()
        };
        match self.place(record) {
            Ok(record_at) => Stop::Unhandled(Box::new(Unhandled {
                record,
                record_at,
                context_at: at,
                context: *context,
                reason: Reason::InvalidUnwind { stack_pointer: context.stack_pointer() },
            })),
            Err(stop) => stop,
        }
    }

    /// Writes the addresses up the stack, the caller's own instruction first; gives how many.
    ///
    /// The machine's own frames are not among them.
    ///
    /// # Errors
    /// The fault, when the addresses can't be written.
    pub(crate) fn back_trace(&self, request: &BackTrace, caller: &FullContext) -> Answer {
        // For this walk a handler's frame is one like any other.
        let nothing = InProgress::default();
        let engine = Engine { surroundings: self.surroundings, in_progress: &nothing };
        let mut walk = Walk::new(engine, *caller, 0);
        let (mut skip, mut count, mut hash) = (request.skip, 0_u32, 0_u32);
        while count < request.limit {
            match walk.next()? {
                Next::Frame(frame) => {
                    if skip > 0 {
                        skip -= 1;
                    } else {
                        let at = request.addresses.0.wrapping_add(8 * u64::from(count));
                        self.write(VirtualAddress(at), frame.control_pc)?;
                        hash = hash.wrapping_add(frame.control_pc as u32);
                        count += 1;
                    }
                    walk.advance();
                }
                Next::Left(_) => {}
                Next::End | Next::Invalid => break,
            }
        }
        self.write_if_asked(request.hash, hash)?;
        Ok(u64::from(count))
    }
}

/// The fault that a step up the stack met.
fn fault_of(error: UnwindError) -> Fault {
    let (address, access) = match error {
        UnwindError::Unreadable { address } => (VirtualAddress(address), Access::Read),
        UnwindError::OutsideImage { rip } => (VirtualAddress(rip), Access::Execute),
    };
    Fault { address, access, non_canonical: !address.is_canonical() }
}
