//! The handler that C compilers name for functions with guarded parts.
//!
//! Its data is a table of *scopes*, each a range of instructions with either a filter and the address where the exception
//! is handled, or a termination handler. Inner scopes come before outer ones. A guarded part that the compiler cut in
//! pieces has several scopes, alike in all but their ranges.
//!
//! While a frame goes away, the number of the scope to look at next is kept in the dispatcher's context, so that a walk
//! that takes the frame over goes on behind it.

use super::{Engine, FullContext, Target};
use crate::stop::{Answer, Stop};
use ntpool_abi::{
    CONTINUE_EXECUTION, CONTINUE_SEARCH, DispatcherContext, EXCEPTION_EXECUTE_HANDLER,
    EXCEPTION_TARGET_UNWIND, EXCEPTION_UNWIND, ExceptionPointers, ExceptionRecord, ScopeRecord, ScopeTable,
};
use ntpool_types::VirtualAddress;

/// What a termination handler is told: the guarded part is left by an unwind, not by its end.
const ABNORMAL: u64 = 1;

/// The four arguments of a language handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandlerCall {
    /// The exception's record.
    pub(crate) record: VirtualAddress,
    /// The base of the function's frame.
    pub(crate) frame: u64,
    /// The registers of the exception.
    pub(crate) context: VirtualAddress,
    /// The dispatcher's context.
    pub(crate) dispatcher: VirtualAddress,
}

/// The scopes of a function, and where control left it.
struct Scopes<'a> {
    engine: &'a Engine<'a>,
    image_base: u64,
    table: VirtualAddress,
    count: u32,
    /// Where control left the function, relative to the image.
    control: u64,
    /// The first scope to look at.
    first: u32,
}

/// What the handler came to.
pub(super) enum Handled {
    /// Its answer.
    Answer(u32),
    /// A filter wants the exception handled: the unwind to make.
    Execute(Target),
}

/// What has to be done before driver code is called, each time.
type Preparation<'a> = &'a mut dyn FnMut() -> Result<(), Stop>;

impl Engine<'_> {
    /// Carries out the C-specific handler, called by driver code; `caller` are the registers with which it was called.
    ///
    /// # Errors
    /// The unwind that a filter asked for, and whatever keeps a filter or termination handler from returning.
    pub(crate) fn c_specific_handler(&self, call: HandlerCall, caller: &FullContext) -> Answer {
        let told: DispatcherContext = self.read(call.dispatcher)?;
        let flags = self.read_field(call.record, ExceptionRecord::FLAGS)?;
        match self.handle(call, &told, flags, &mut || Ok(()))? {
            Handled::Answer(answer) => Ok(u64::from(answer)),
            Handled::Execute(target) => Err(self.unwind(&target, caller, 0)),
        }
    }

    /// Carries out the C-specific handler for a frame, with what the dispatcher's context says and the record's flags.
    ///
    /// # Errors
    /// Whatever keeps a filter or termination handler from returning.
    pub(super) fn handle(
        &self,
        call: HandlerCall,
        told: &DispatcherContext,
        flags: u32,
        prepare: Preparation<'_>,
    ) -> Result<Handled, Stop> {
        let table = VirtualAddress(told.handler_data);
        let scopes = Scopes {
            engine: self,
            image_base: told.image_base,
            table,
            count: self.read_field(table, ScopeTable::COUNT)?,
            control: told.control_pc.wrapping_sub(told.image_base),
            first: told.scope_index,
        };
        if flags & EXCEPTION_UNWIND == 0 {
            self.ask_filters(call, &scopes, told, prepare)
        } else {
            let target = told.target_ip.wrapping_sub(told.image_base);
            let target = (flags & EXCEPTION_TARGET_UNWIND != 0).then_some(target);
            self.terminate(call, &scopes, target, prepare)
        }
    }

    fn ask_filters(
        &self,
        call: HandlerCall,
        scopes: &Scopes<'_>,
        told: &DispatcherContext,
        prepare: Preparation<'_>,
    ) -> Result<Handled, Stop> {
        let mut pointers = None;
        for scope in scopes.around_control() {
            let (_, scope) = scope?;
            if scope.jump_target == 0 {
                continue;
            }
            let verdict = if scope.handler == EXCEPTION_EXECUTE_HANDLER as u32 {
                EXCEPTION_EXECUTE_HANDLER
            } else {
                prepare()?;
                let at = match pointers {
                    Some(at) => at,
                    None => *pointers.insert(
                        self.place(ExceptionPointers { record: call.record.0, context: call.context.0 })?,
                    ),
                };
                let filter = scopes.address(scope.handler);
                (self.surroundings.call(filter, &[at.0, call.frame])? as u32).cast_signed()
            };
            match verdict {
                ..0 => return Ok(Handled::Answer(CONTINUE_EXECUTION)),
                0 => {}
                1.. => {
                    let code = self.read_field(call.record, ExceptionRecord::CODE)?;
                    let history = VirtualAddress(told.history_table);
                    return Ok(Handled::Execute(Target {
                        frame: Some(call.frame),
                        instruction: scopes.address(scope.jump_target).0,
                        value: u64::from(code),
                        record: Some(call.record),
                        history: (history != VirtualAddress::NULL).then_some(history),
                    }));
                }
            }
        }
        Ok(Handled::Answer(CONTINUE_SEARCH))
    }

    /// Runs the termination handlers of the scopes that are left. In the frame where the unwind ends those are the ones
    /// before the scope whose handler is the target; where it is nobody's handler, the ones that it does not lie in.
    fn terminate(
        &self,
        call: HandlerCall,
        scopes: &Scopes<'_>,
        target: Option<u64>,
        prepare: Preparation<'_>,
    ) -> Result<Handled, Stop> {
        let mut handling = None;
        for scope in scopes.around_control() {
            let (index, scope) = scope?;
            let handles = target.is_some_and(|target| u64::from(scope.jump_target) == target);
            if scope.jump_target != 0 && handles {
                handling = Some(index);
                break;
            }
        }
        for scope in scopes.around_control() {
            let (index, scope) = scope?;
            // A handler may begin at a byte that compilers count among the body's: where it lies tells nothing then.
            let stays = match (handling, target) {
                (Some(handling), _) => index >= handling,
                (None, Some(target)) => scopes.are_alike_around(target, &scope)?,
                (None, None) => false,
            };
            if stays {
                break;
            }
            if scope.jump_target == 0 {
                prepare()?;
                self.write_field(call.dispatcher, DispatcherContext::SCOPE_INDEX, index + 1)?;
                self.surroundings.call(scopes.address(scope.handler), &[ABNORMAL, call.frame])?;
            }
        }
        Ok(Handled::Answer(CONTINUE_SEARCH))
    }
}

impl Scopes<'_> {
    fn address(&self, rva: u32) -> VirtualAddress {
        VirtualAddress(self.image_base.wrapping_add(u64::from(rva)))
    }

    /// The scopes from a number on, with their numbers.
    fn starting_at(&self, first: u32) -> impl Iterator<Item = Result<(u32, ScopeRecord), Stop>> {
        (first..self.count).map(|index| {
            let offset = ScopeTable::FIRST.offset() + u64::from(index) * ScopeRecord::SIZE;
            Ok((index, self.engine.read(VirtualAddress(self.table.0.wrapping_add(offset)))?))
        })
    }

    /// The scopes that control was in and that have still to be looked at.
    fn around_control(&self) -> impl Iterator<Item = Result<(u32, ScopeRecord), Stop>> {
        self.starting_at(self.first)
            .filter(|scope| scope.as_ref().map_or(true, |(_, scope)| holds(scope, self.control)))
    }

    /// Whether an instruction lies in the same guarded part as this scope.
    fn are_alike_around(&self, instruction: u64, scope: &ScopeRecord) -> Result<bool, Stop> {
        for other in self.starting_at(0) {
            let (_, other) = other?;
            let is_alike = (other.handler, other.jump_target) == (scope.handler, scope.jump_target);
            if is_alike && holds(&other, instruction) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn holds(scope: &ScopeRecord, instruction: u64) -> bool {
    (u64::from(scope.begin)..u64::from(scope.end)).contains(&instruction)
}
