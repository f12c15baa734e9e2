//! Exceptions through functions that Microsoft's compiler guards, in drivers that others wrote.
//!
//! The compiler names one of three handlers for such a function. `__C_specific_handler` is the kernel's; the image has a
//! jump to it. The other two live in the image: `__GSHandlerCheck` looks at the cookie of a function that has an array on
//! its stack, and `__GSHandlerCheck_SEH` does that and then goes on to the first. They take all that they know from what
//! the dispatcher gives them: the frame's base and the addresses of the handler's data, the function's entry and the
//! image. With one of those wrong they compare a wrong cookie, and stop the machine.
//!
//! No code path of these drivers' entry routines raises an exception, so a few bytes are changed: which routine is
//! imported, where the entry routine goes on, what a guarded part does. Handlers, tables, prologues, epilogues and the
//! code behind `__except` and in `__finally` are as they were compiled.
//!
//! Tried with wrong values in what a handler is given: each of the record's flags, the frame's base, the handler's data, the
//! image's base, the function's entry and the instruction fails one of these tests. The rest these handlers do not read.
//!
//! The drivers are downloaded once, into a cache that git ignores; without them these tests fail and say how to provide
//! them.
#![forbid(unsafe_code)]

use ntpool::{Driver, Finding, Hex, LimitKind, Machine, Outcome};
use ntpool_drivers::third_party::{cache, fetch};
use ntpool_image::{Handler, Image, ImportSymbol};
use ntpool_types::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// The file of a driver, of which bytes may be changed.
struct Real {
    name: &'static str,
    image: Image,
}

impl Real {
    fn fetch(name: &'static str) -> Real {
        let path = fetch(name, &cache()).unwrap_or_else(|error| panic!("{name} is not at hand: {error}"));
        Real { name, image: Image::parse(std::fs::read(path).expect("the driver")).expect("an image") }
    }

    fn bytes(&self, rva: u32, count: u64) -> &[u8] {
        self.image.bytes_at(rva, Bytes(count)).unwrap_or_else(|| panic!("nothing is at {rva:#x}"))
    }

    fn word(&self, rva: u32) -> u32 {
        u32::from_le_bytes(self.bytes(rva, 4).try_into().expect("four bytes"))
    }

    /// Where the address of an imported routine is put.
    fn slot(&self, routine: &str) -> u32 {
        let is_it = |symbol: &ImportSymbol| matches!(symbol, ImportSymbol::Name(name) if name == routine);
        let import = self.image.imports().iter().find(|import| is_it(&import.symbol));
        import.unwrap_or_else(|| panic!("{} does not import {routine}", self.name)).slot
    }

    /// The same driver with other bytes in one place.
    fn with(self, rva: u32, was: &[u8], is: &[u8]) -> Real {
        let old = self.bytes(rva, was.len() as u64);
        assert_eq!(old, was, "{} has other code at {rva:#x}", self.name);
        let at = self.place(old);
        self.with_file(|file| file[at..at + is.len()].copy_from_slice(is))
    }

    /// The same driver, which imports another routine where it imports this one.
    fn importing(self, routine: &str, instead: &str) -> Real {
        assert_eq!(routine.len(), instead.len());
        let name = [routine.as_bytes(), b"\0"].concat();
        let places: Vec<usize> =
            (0..self.image.file().len()).filter(|&at| self.image.file()[at..].starts_with(&name)).collect();
        let [at] = places[..] else { panic!("{routine} is {} times in {}", places.len(), self.name) };
        self.with_file(|file| file[at..at + instead.len()].copy_from_slice(instead.as_bytes()))
    }

    /// The same driver, in which every function but these claims to address its frame by rbp, 16 bytes above its base. The
    /// handlers look that up by the entry that they are given; with another function's they look for the cookie in a
    /// wrong place.
    fn with_other_frames_elsewhere(self, functions: &[u32]) -> Real {
        const RBP_AND_16_BYTES: u8 = 0x15;
        let table = self.image.unwind_table();
        let info = |function: u32| self.word(table.entry_rva(function).expect("a function") + 8);
        let spared: BTreeSet<u32> = functions.iter().map(|&function| info(function)).collect();
        let others =
            table.functions().map(|function| info(function.begin)).filter(|info| !spared.contains(info));
        let frame_bytes: BTreeSet<usize> = others.map(|info| self.place(self.bytes(info + 3, 1))).collect();
        self.with_file(|file| frame_bytes.into_iter().for_each(|at| file[at] = RBP_AND_16_BYTES))
    }

    /// Where in the file bytes of it are.
    fn place(&self, bytes: &[u8]) -> usize {
        bytes.as_ptr().addr() - self.image.file().as_ptr().addr()
    }

    fn with_file(&self, change: impl FnOnce(&mut [u8])) -> Real {
        let mut file = self.image.file().to_vec();
        change(&mut file);
        Real { name: self.name, image: Image::parse(file).expect("an image still") }
    }

    fn run(&self) -> Outcome {
        let driver = Driver::from_bytes(self.name, self.image.file().to_vec(), None).expect("a driver");
        Machine::new().run(&driver).expect("a run")
    }
}

/// An instruction of five bytes at `rva` whose operand is the distance to `target` behind it.
fn transfer(opcode: u8, rva: u32, target: u32) -> Vec<u8> {
    let distance = target.wrapping_sub(rva + 5);
    [&[opcode][..], &distance.to_le_bytes()].concat()
}

fn jump(rva: u32, target: u32) -> Vec<u8> {
    transfer(0xE9, rva, target)
}

/// Raises a status from `rva` on: it is the first argument, and the routine is called through its slot.
fn raise(rva: u32, status: u32, slot: u32) -> Vec<u8> {
    let distance = slot.wrapping_sub(rva + 11);
    [&[0xB9][..], &status.to_le_bytes(), &[0xFF, 0x15], &distance.to_le_bytes(), &[0x90]].concat()
}

#[track_caller]
fn finding(outcome: &Outcome) -> &Finding {
    match &outcome.findings[..] {
        [finding] => finding,
        _ => panic!("{outcome:#?}"),
    }
}

#[track_caller]
fn stop(outcome: &Outcome) -> (&str, u64, [u64; 4]) {
    let finding = finding(outcome);
    match (finding.bug_check, finding.parameters) {
        (Some(Hex(code)), Some(parameters)) => {
            (&finding.rule, code, parameters.map(|Hex(parameter)| parameter))
        }
        _ => panic!("no stop: {finding:#?}"),
    }
}

/// The stop that a handler makes which finds another cookie than the image's.
#[track_caller]
fn assert_cookie_is_told_of(outcome: &Outcome) {
    let (rule, code, [found, expected, complement, _]) = stop(outcome);
    assert_eq!((rule, code), ("stack.cookie", 0xF7));
    assert_ne!(found, expected);
    assert_eq!(complement, !expected);
}

// ── What the tables say ───────────────────────────────────────────────────────────────────────────────────────────

/// Which handler a function has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The kernel's.
    Kernel,
    /// The one that looks at the cookie.
    Cookie,
    /// The one that looks at the cookie and goes on to the kernel's.
    CookieAndKernel,
}

impl Real {
    /// Whether a routine is the jump to the kernel's handler.
    fn is_kernels(&self, routine: u32) -> bool {
        self.bytes(routine, 2) == [0xFF, 0x25]
            && self.image.imports().iter().any(|import| {
                import.slot == routine.wrapping_add(6).wrapping_add(self.word(routine + 2))
                    && import.symbol == ImportSymbol::Name("__C_specific_handler".to_owned())
            })
    }

    fn kind(&self, handler: Handler) -> Kind {
        /// The most bytes of either handler of the image's.
        const LENGTH: u32 = 0x70;
        let routine = handler.routine;
        let goes_to = |rva: u32| rva.wrapping_add(5).wrapping_add(self.word(rva + 1));
        // A call or, at a routine's end, a jump.
        let is_transfer = |&rva: &u32| [0xE8, 0xE9].contains(&self.bytes(rva, 1)[0]);
        let in_image =
            |rva: &u32| self.image.section_at(*rva).is_some_and(|section| section.protection.execute);
        if self.is_kernels(routine) {
            Kind::Kernel
        } else if (routine..routine + LENGTH)
            .filter(is_transfer)
            .map(goes_to)
            .filter(in_image)
            .any(|target| self.is_kernels(target))
        {
            Kind::CookieAndKernel
        } else {
            Kind::Cookie
        }
    }

    /// Every handler that a function names.
    fn handlers(&self) -> impl Iterator<Item = (Kind, Handler)> {
        let handlers = self.image.unwind_table();
        let handlers: Vec<Handler> =
            handlers.functions().filter_map(|function| function.info.handler).collect();
        handlers.into_iter().map(|handler| (self.kind(handler), handler))
    }

    /// How many functions have each kind of handler.
    fn counts(&self) -> Vec<(Kind, usize)> {
        let mut counts = BTreeMap::new();
        for (kind, _) in self.handlers() {
            *counts.entry(kind).or_default() += 1;
        }
        counts.into_iter().collect()
    }
}

#[test]
fn drivers_of_msvc_have_handlers_of_all_three_kinds() {
    use Kind::{Cookie, CookieAndKernel, Kernel};
    assert_eq!(Real::fetch("WinDivert64.sys").counts(), [(Cookie, 4)]);
    assert_eq!(Real::fetch("wintun.sys").counts(), [(Kernel, 1), (Cookie, 4)]);
    assert_eq!(Real::fetch("winfsp-x64.sys").counts(), [(Kernel, 60), (Cookie, 42), (CookieAndKernel, 8)]);
}

/// Behind the scopes of a function with a cookie stands where that is, and in which passes the scopes matter.
#[test]
fn behind_the_scopes_of_a_function_with_a_cookie_stands_where_that_is() {
    /// The bytes of a scope.
    const SCOPE: u32 = 16;
    let driver = Real::fetch("winfsp-x64.sys");
    for (_, handler) in driver.handlers().filter(|(kind, _)| *kind == Kind::CookieAndKernel) {
        let count = driver.word(handler.data);
        let scopes = (0..count).map(|number| handler.data + 4 + SCOPE * number);
        let is_filter = |at: u32| driver.word(at + 12) != 0;
        let has_filter = scopes.clone().any(is_filter);
        let has_termination = scopes.into_iter().any(|at| !is_filter(at));
        let cookie = driver.word(handler.data + 4 + SCOPE * count);
        assert_eq!(cookie & 0b111, u32::from(has_filter) | u32::from(has_termination) << 1, "{handler:?}");
        assert!((cookie & !0b111) > 0 && cookie < 0x1000, "{cookie:#x}");
    }
}

// ── What the handlers do ──────────────────────────────────────────────────────────────────────────────────────────

/// wintun.sys: the entry routine has a cookie, and is in two parts. Its first call gets its version.
fn raising_wintun() -> Real {
    Real::fetch("wintun.sys").importing("RtlGetVersion", "ExRaiseStatus")
}

#[test]
fn an_exception_passes_the_handler_that_looks_at_the_cookie_from_a_chained_part_of_its_function() {
    /// The address that the call of the entry routine returns to.
    const AFTER_CALL: u64 = 0x705B;
    let outcome = raising_wintun().run();
    let (rule, code, [_, address, ..]) = stop(&outcome);
    assert_eq!((rule, code), ("driver.unhandled-exception", 0x7E), "{outcome:#?}");
    assert_eq!(address & 0xFFFF, AFTER_CALL);
}

#[test]
fn the_handler_that_looks_at_the_cookie_finds_one_that_is_wrong() {
    // xor rax, rsp becomes xor rax, rbp: the cookie is made for another frame.
    let outcome = raising_wintun().with(0x701E, &[0x48, 0x33, 0xC4], &[0x48, 0x33, 0xC5]).run();
    assert_cookie_is_told_of(&outcome);
}

/// winfsp-x64.sys, whose entry routine goes to a function that guards nearly all it does by a filter that takes every
/// exception, and has a cookie. What the guarded part does instead of what it did is given.
fn guarded_winfsp(body: impl FnOnce(&Real) -> Vec<u8>) -> Real {
    const ENTRY: u32 = 0x2_8000;
    const AFTER_PROLOGUE: u32 = 0x1_31DD;
    let driver = Real::fetch("winfsp-x64.sys");
    let body = body(&driver);
    let was = driver.bytes(GUARDED, body.len() as u64).to_vec();
    driver
        .with(ENTRY, &[0x48, 0x89, 0x5C, 0x24, 0x10], &jump(ENTRY, FILTERS))
        .with(AFTER_PROLOGUE, &[0x4D, 0x8B, 0xE9, 0x4D, 0x8B], &jump(AFTER_PROLOGUE, GUARDED))
        .with(GUARDED, &was, &body)
        .with_other_frames_elsewhere(&[SYSTEM_ENTRY, FILTERS, TERMINATES])
}

/// Where the system enters the driver: it makes a cookie and calls the entry routine.
const SYSTEM_ENTRY: u32 = 0x2_89E0;
/// The function with the filter.
const FILTERS: u32 = 0x1_31B8;
/// The start of its guarded part.
const GUARDED: u32 = 0x1_32F6;
/// A function with a termination handler and a cookie: in a critical region it reads a field of its first argument.
const TERMINATES: u32 = 0x1_92B0;

const INSUFFICIENT_RESOURCES: u32 = 0xC000_009A;

fn raising_winfsp() -> Real {
    guarded_winfsp(|driver| raise(GUARDED, INSUFFICIENT_RESOURCES, driver.slot("ExRaiseStatus")))
}

#[track_caller]
fn assert_entry_returned(outcome: &Outcome, status: u32) {
    let returned = outcome.driver_entry.as_ref().unwrap_or_else(|| panic!("{outcome:#?}"));
    assert_eq!(returned.value, Hex(u64::from(status)), "{outcome:#?}");
    assert!(outcome.findings.is_empty(), "{outcome:#?}");
    // All that the driver did not get to is what follows an entry routine that succeeds.
    assert!(outcome.limits.iter().all(|limit| limit.kind == LimitKind::EntryFailed), "{outcome:#?}");
}

#[test]
fn mach_001_a_filter_behind_a_cookie_takes_an_exception_and_the_function_goes_on_as_it_was_compiled() {
    // The code behind __except gives this status back as it is, through an epilogue that looks at the cookie too.
    assert_entry_returned(&raising_winfsp().run(), INSUFFICIENT_RESOURCES);
}

#[test]
fn a_filter_behind_a_wrong_cookie_is_not_asked() {
    let outcome = raising_winfsp().with(0x1_31D2, &[0x48, 0x33, 0xC4], &[0x48, 0x33, 0xC5]).run();
    assert_cookie_is_told_of(&outcome);
}

/// The function with the termination handler is called with NULL; the code behind `__except` then gives the exception's
/// code back without asking whether it is an expected one.
fn terminating_winfsp() -> Real {
    let call = [&[0x31, 0xC9][..], &transfer(0xE8, GUARDED + 2, TERMINATES), &[0x90]].concat();
    guarded_winfsp(|_| call).with(0x1_3B6E, &[0x74], &[0xEB])
}

#[test]
fn a_termination_handler_behind_a_cookie_runs_when_its_frame_is_unwound() {
    // It leaves the critical region; else the entry routine would be told of, which returns with calls disabled.
    assert_entry_returned(&terminating_winfsp().run(), 0xC000_0005);
}

#[test]
fn a_termination_handler_behind_a_wrong_cookie_does_not_run() {
    let outcome = terminating_winfsp().with(0x1_92C4, &[0x48, 0x33, 0xC4], &[0x48, 0x33, 0xC5]).run();
    assert_cookie_is_told_of(&outcome);
}
