//! A fiber whose driver code is scripts.

use super::super::{Engine, FullContext, HandlerCall, InProgress, Segment, Surroundings};
use super::support::{FunctionParts, function_at, with_functions};
use crate::stop::{Answer, Stop};
use ntpool_abi::ExceptionRecord;
use ntpool_abi::zerocopy::{FromBytes, FromZeros};
use ntpool_image::{Context, Image, UnwindTable};
use ntpool_machine::{Access, DriverMemory, Fault};
use ntpool_types::{Irql, VirtualAddress};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

pub const BASE: u64 = 0x2000_0000_0000;
pub const STACK: Range<u64> = 0x2001_0000_0000..0x2001_0000_6000;
/// Where routines return to that the machine called: no driver's code.
const MACHINE: u64 = 0x5555_0000_1000;
/// The bytes of a frame of [`function`], its return address included.
pub const FRAME: u64 = 0x30;

/// Handlers lie behind the functions; they have no unwind information.
pub const C_HANDLER: u32 = 0x1F00;
pub const OWN_HANDLER: u32 = 0x1F10;
/// A leaf function.
pub const LEAF: u32 = 0x1F20;

pub const CODE: u32 = 0xE000_0001;
pub const SECOND_CODE: u32 = 0xE000_0002;

type Script = Rc<dyn Fn(&World, &[u64]) -> Answer>;

pub struct World {
    image: Image,
    loaded: Vec<u8>,
    stack: RefCell<Vec<u8>>,
    /// Everything of the stack from here up is taken.
    low: Cell<u64>,
    /// Where each segment begins, and the registers with which driver code had entered the machine that made it.
    segments: RefCell<Vec<(u64, Option<FullContext>)>>,
    /// The registers of each passage from driver code into the machine that has not returned.
    entered: RefCell<Vec<FullContext>>,
    in_progress: InProgress,
    scripts: RefCell<BTreeMap<u64, Script>>,
    log: RefCell<Vec<String>>,
    pub level: Cell<Irql>,
    /// Whether the machine knows its own handler where functions name it, and need not call it by way of driver code.
    knows_c_handler: Cell<bool>,
}

/// A guarded part of a function.
#[derive(Clone, Copy)]
pub struct Scope {
    pub range: (u32, u32),
    pub handler: u32,
    pub jump: u32,
}

/// Unwind information of a function that takes 0x28 bytes of stack in its first four bytes.
pub fn plain() -> Vec<u8> {
    vec![1, 4, 1, 0, 4, 0x42, 0, 0]
}

/// The same with a handler for exceptions and unwinds.
pub fn handled(routine: u32) -> Vec<u8> {
    let mut info = plain();
    info[0] |= 3 << 3;
    info.extend(routine.to_le_bytes());
    info
}

/// The same with the C-specific handler and these scopes, whose instructions count from the start of function `index`.
pub fn guarded(index: usize, scopes: &[Scope]) -> Vec<u8> {
    let mut info = handled(C_HANDLER);
    info.extend((scopes.len() as u32).to_le_bytes());
    for scope in scopes {
        let at = |offset: u32| function_at(index) + offset;
        let words = [at(scope.range.0), at(scope.range.1), scope.handler, scope.jump];
        info.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    info
}

/// The address of an instruction of a function.
pub fn code(index: usize, offset: u32) -> u64 {
    BASE + u64::from(function_at(index) + offset)
}

/// A part of a function: filter, termination handler, or the code behind `__except`.
pub fn part(index: usize, offset: u32) -> u32 {
    function_at(index) + offset
}

impl World {
    pub fn new(infos: &[Vec<u8>]) -> World {
        World::with_code(infos, &|_| vec![0x90; 0xF0])
    }

    pub fn with_code(infos: &[Vec<u8>], code: &dyn Fn(usize) -> Vec<u8>) -> World {
        let codes: Vec<Vec<u8>> = (0..infos.len()).map(code).collect();
        let functions: Vec<FunctionParts<'_>> =
            infos.iter().zip(&codes).map(|(info, code)| FunctionParts { code, info }).collect();
        let image = Image::parse(with_functions(&functions).build()).expect("the image is sound");
        let mut loaded = vec![0; image.size_of_image().as_usize()];
        image.load(VirtualAddress(BASE), &mut loaded);
        let world = World {
            image,
            loaded,
            stack: RefCell::new(vec![0; (STACK.end - STACK.start) as usize]),
            low: Cell::new(STACK.end),
            segments: RefCell::default(),
            entered: RefCell::default(),
            in_progress: InProgress::default(),
            scripts: RefCell::default(),
            log: RefCell::default(),
            level: Cell::new(Irql::PASSIVE),
            knows_c_handler: Cell::new(true),
        };
        world.script(BASE + u64::from(C_HANDLER), |world, arguments| {
            let call = handler_call(arguments);
            world.enter(world.jump_to_import(), |engine, caller| engine.c_specific_handler(call, caller))
        });
        world
    }

    /// Says what driver code at an address does.
    pub fn script(&self, at: u64, does: impl Fn(&World, &[u64]) -> Answer + 'static) {
        self.scripts.borrow_mut().insert(at, Rc::new(does));
    }

    /// A part of a function that notes its name and returns a value.
    pub fn says(&self, part: u32, name: &'static str, value: i64) {
        self.script(BASE + u64::from(part), move |world, _| {
            world.note(name);
            Ok(value.cast_unsigned())
        });
    }

    pub fn note(&self, what: impl Into<String>) {
        self.log.borrow_mut().push(what.into());
    }

    /// What was noted.
    pub fn noted(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Builds frames in the innermost segment, the outermost first; gives the registers in the innermost.
    pub fn frames(&self, instructions: &[u64]) -> FullContext {
        let mut stack_pointer = self.top() - 0x20;
        let mut returns_to = MACHINE;
        for &instruction in instructions {
            self.poke(stack_pointer - 8, returns_to);
            stack_pointer -= FRAME;
            returns_to = instruction;
        }
        let mut registers = Context { rip: returns_to, ..Context::default() };
        registers.set_rsp(stack_pointer);
        FullContext::new(registers)
    }

    fn top(&self) -> u64 {
        self.segments.borrow().last().expect("driver code runs").0
    }

    /// The base of a frame that [`frames`](Self::frames) makes in a segment, by its number.
    pub fn frame_at(&self, level: usize, number: u64) -> u64 {
        self.segments.borrow()[level].0 - 0x20 - FRAME * (number + 1)
    }

    /// The registers of a call that a routine makes to the machine as its last act, by a jump.
    fn jump_to_import(&self) -> FullContext {
        let mut registers = Context { rip: MACHINE, ..Context::default() };
        registers.set_rsp(self.top() - 0x20);
        FullContext::new(registers)
    }

    pub fn poke(&self, at: u64, value: u64) {
        self.write(VirtualAddress(at), &value.to_le_bytes()).expect("it is memory");
    }

    pub fn peek<T: FromBytes>(&self, at: VirtualAddress) -> T {
        let mut bytes = vec![0; size_of::<T>()];
        self.read(at, &mut bytes).expect("it is memory");
        T::read_from_bytes(&bytes).expect("the sizes agree")
    }

    /// Passes from driver code with these registers into the machine.
    pub fn enter<R>(&self, caller: FullContext, act: impl FnOnce(&Engine<'_>, &FullContext) -> R) -> R {
        self.entered.borrow_mut().push(caller);
        let low = self.low.replace(caller.stack_pointer() & !0xF);
        let answer = act(&Engine::new(self, &self.in_progress), &caller);
        self.low.set(low);
        self.entered.borrow_mut().pop();
        answer
    }

    /// Raises an exception in driver code, where it may go on: gives why the machine does not return there.
    pub fn raise(&self, code: u32, at: FullContext) -> Stop {
        self.enter(at, |engine, context| {
            let mut record = ExceptionRecord::new_zeroed();
            (record.code, record.address) = (code, context.instruction());
            engine.settle(engine.dispatch(&record, context, 0), 0)
        })
    }

    /// Calls a routine of the driver's from nowhere: twice, first with the machine asking its handler for C by itself and then
    /// by way of driver code. Nobody may notice a difference.
    pub fn run(&self, routine: u64) -> Answer {
        let before = self.noted();
        let answer = self.call(VirtualAddress(routine), &[]);
        let noted = self.log.replace(before);
        self.knows_c_handler.set(false);
        assert_eq!(self.call(VirtualAddress(routine), &[]), answer, "by way of driver code");
        assert_eq!(self.noted(), noted, "by way of driver code");
        self.knows_c_handler.set(true);
        answer
    }

    /// Lets driver code call a routine that has a segment of its own, by way of the machine.
    pub fn call_part(&self, routine: u64) -> u64 {
        let at = self.frames(&[routine]);
        self.enter(at, |_, _| self.call(VirtualAddress(routine), &[])).expect("it returns")
    }

    fn script_at(&self, at: u64) -> Script {
        let scripts = self.scripts.borrow();
        scripts.get(&at).unwrap_or_else(|| panic!("no script for {at:#x}")).clone()
    }
}

pub fn handler_call(arguments: &[u64]) -> HandlerCall {
    HandlerCall {
        record: VirtualAddress(arguments[0]),
        frame: arguments[1],
        context: VirtualAddress(arguments[2]),
        dispatcher: VirtualAddress(arguments[3]),
    }
}

impl DriverMemory for World {
    fn read(&self, address: VirtualAddress, into: &mut [u8]) -> Result<(), Fault> {
        let stack = self.stack.borrow();
        let found =
            [(BASE, &self.loaded[..]), (STACK.start, &stack[..])].into_iter().find_map(|(base, bytes)| {
                bytes.get(usize::try_from(address.0.checked_sub(base)?).ok()?..)?.get(..into.len())
            });
        let found = found.ok_or(Fault { address, access: Access::Read, non_canonical: false })?;
        into.copy_from_slice(found);
        Ok(())
    }

    fn write(&self, address: VirtualAddress, from: &[u8]) -> Result<(), Fault> {
        let mut stack = self.stack.borrow_mut();
        let start = address.0.checked_sub(STACK.start).and_then(|start| usize::try_from(start).ok());
        let found = start.and_then(|start| stack.get_mut(start..)?.get_mut(..from.len()));
        found.ok_or(Fault { address, access: Access::Write, non_canonical: false })?.copy_from_slice(from);
        Ok(())
    }
}

impl Surroundings for World {
    fn image_at(&self, address: VirtualAddress) -> Option<(VirtualAddress, UnwindTable<'_>)> {
        let size = self.image.size_of_image().0;
        let within = (BASE..BASE + size).contains(&address.0);
        within.then(|| (VirtualAddress(BASE), self.image.unwind_table()))
    }

    fn stack_at(&self, address: VirtualAddress) -> Option<Range<u64>> {
        STACK.contains(&address.0).then_some(STACK)
    }

    fn irql(&self) -> Irql {
        self.level.get()
    }

    fn call(&self, routine: VirtualAddress, arguments: &[u64]) -> Answer {
        let (low, entered) = (self.low.get(), self.entered.borrow().len());
        let level = self.segments.borrow().len();
        let caller = self.entered.borrow().last().copied();
        self.segments.borrow_mut().push((low, caller));
        let mut answer = self.script_at(routine.0)(self, arguments);
        loop {
            assert_eq!(self.entered.borrow().len(), entered, "a passage into the machine has not returned");
            match answer {
                Err(Stop::Unwind(unwinding)) if unwinding.level == level => {
                    let registers = unwinding.context.registers;
                    let go_on = self.script_at(registers.rip);
                    answer = go_on(self, &[registers.registers[0], registers.rsp()]);
                }
                _ => break,
            }
        }
        self.segments.borrow_mut().pop();
        self.low.set(low);
        answer
    }

    fn reserve(&self, size: u64) -> Result<VirtualAddress, Stop> {
        let at = self.low.get().wrapping_sub(size) & !0xF;
        if at < STACK.start {
            let (address, access) = (VirtualAddress(at), Access::Write);
            return Err(Stop::Fault(Fault { address, access, non_canonical: false }));
        }
        self.low.set(at);
        Ok(VirtualAddress(at))
    }

    fn segment(&self, depth: usize) -> Option<Segment> {
        let segments = self.segments.borrow();
        segments.iter().rev().nth(depth).map(|&(top, _)| Segment { top, stack: STACK })
    }

    fn caller(&self, depth: usize) -> Option<FullContext> {
        self.segments.borrow().iter().rev().nth(depth)?.1
    }

    fn segment_count(&self) -> usize {
        self.segments.borrow().len()
    }

    fn is_c_handler(&self, routine: VirtualAddress) -> bool {
        self.knows_c_handler.get() && routine.0 == BASE + u64::from(C_HANDLER)
    }
}
