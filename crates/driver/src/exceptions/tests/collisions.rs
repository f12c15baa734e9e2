//! Exceptions and unwinds that begin while handlers are at work.

use super::super::Target;
use super::world::{
    BASE, CODE, OWN_HANDLER, SECOND_CODE, Scope, World, code, guarded, handled, handler_call, part, plain,
};
use ntpool_abi::{DispatcherContext, ExceptionPointers, ExceptionRecord, ProcessorContext};
use ntpool_types::VirtualAddress;

const BODY: u32 = 0x20;
const EXCEPT: u32 = 0x90;

fn except(index: usize, filter: u32) -> Scope {
    Scope { range: (0x10, 0x30), handler: filter, jump: part(index, EXCEPT) }
}

fn finally(index: usize, begin: u32, end: u32, handler: u32) -> Scope {
    Scope { range: (begin, end), handler: part(index, handler), jump: 0 }
}

/// The code and flags of the exception that a filter is asked about.
fn asked_about(world: &World, arguments: &[u64]) -> (u32, u32) {
    let pointers: ExceptionPointers = world.peek(VirtualAddress(arguments[0]));
    let record: ExceptionRecord = world.peek(VirtualAddress(pointers.record));
    (record.code, record.flags)
}

#[test]
fn an_exception_in_a_filter_is_a_nested_one_up_to_the_filters_frame() {
    // The outermost function takes the second exception, the one in the middle has the filter that fails.
    let world = World::new(&[
        guarded(0, &[except(0, part(0, 0x80))]),
        guarded(1, &[except(1, part(1, 0x80))]),
        plain(),
    ]);
    world.script(code(0, 0x80), |world, arguments| {
        let (status, flags) = asked_about(world, arguments);
        world.note(format!("outer {status:#x} {flags:#x}"));
        Ok(1)
    });
    world.script(code(1, 0x80), |world, arguments| {
        let (status, flags) = asked_about(world, arguments);
        world.note(format!("inner {status:#x} {flags:#x}"));
        if status == SECOND_CODE {
            return Ok(0);
        }
        Err(world.raise(SECOND_CODE, world.frames(&[code(2, BODY)])))
    });
    world.says(part(0, EXCEPT), "except", 0);
    world
        .script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY), code(1, BODY)]))));
    assert_eq!(world.run(code(0, 0)), Ok(0));
    let expected = ["inner 0xe0000001 0x0", "inner 0xe0000002 0x10", "outer 0xe0000002 0x0", "except"];
    assert_eq!(world.noted(), expected);
}

#[test]
fn a_filter_may_handle_its_own_exception() {
    let world = World::new(&[guarded(0, &[except(0, part(0, 0x80))]), guarded(1, &[except(1, 1)])]);
    world.script(code(0, 0x80), |world, _| {
        world.note("filter");
        Ok(world.call_part(code(1, 0)))
    });
    world.says(part(1, EXCEPT), "inner except", 1);
    world.says(part(0, EXCEPT), "except", 0);
    world.script(code(1, 0), |world, _| Err(world.raise(SECOND_CODE, world.frames(&[code(1, BODY)]))));
    world.script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY)]))));
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["filter", "inner except", "except"]);
}

/// A function with two termination handlers, of which the inner one raises, called by one that handles everything.
fn colliding() -> World {
    let world = World::new(&[
        guarded(0, &[except(0, 1)]),
        guarded(1, &[finally(1, 0x18, 0x28, 0x80), finally(1, 0x10, 0x30, 0x84)]),
        plain(),
    ]);
    world.script(code(1, 0x80), |world, _| {
        world.note("inner finally");
        Err(world.raise(SECOND_CODE, world.frames(&[code(2, BODY)])))
    });
    world.says(part(1, 0x84), "outer finally", 0);
    world.script(code(0, EXCEPT), |world, arguments| {
        assert_eq!(arguments[1], world.frame_at(0, 0), "the stack pointer");
        world.note(format!("except {:#x}", arguments[0]));
        Ok(0)
    });
    world
        .script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY), code(1, BODY)]))));
    world
}

#[test]
fn an_exception_in_a_termination_handler_takes_the_unwind_over_and_runs_no_handler_twice() {
    let world = colliding();
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["inner finally", "outer finally", "except 0xe0000002"]);
}

#[test]
fn a_termination_handler_may_raise_in_the_very_function_that_handles_both_exceptions() {
    let world = World::new(&[guarded(0, &[finally(0, 0x18, 0x28, 0x80), except(0, 1)]), plain()]);
    world.script(code(0, 0x80), |world, _| {
        world.note("finally");
        Err(world.raise(SECOND_CODE, world.frames(&[code(1, BODY)])))
    });
    world.script(code(0, EXCEPT), |world, arguments| {
        world.note(format!("except {:#x}", arguments[0]));
        Ok(0)
    });
    world.script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY)]))));
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["finally", "except 0xe0000002"]);
}

#[test]
fn an_unwind_out_of_a_termination_handler_takes_the_unwind_over() {
    let world = colliding();
    world.script(code(1, 0x80), |world, _| {
        world.note("inner finally");
        let frame = Some(world.frame_at(0, 0));
        let target = Target { frame, instruction: code(0, 0x40), value: 0, record: None, history: None };
        Err(world.enter(world.frames(&[code(2, BODY)]), |engine, caller| engine.unwind(&target, caller, 0)))
    });
    world.says(part(0, 0x40), "target", 0);
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["inner finally", "outer finally", "target"]);
}

#[test]
fn a_handler_whose_frame_is_taken_over_learns_so() {
    let world = World::new(&[guarded(0, &[except(0, 1)]), handled(OWN_HANDLER), plain()]);
    world.script(BASE + u64::from(OWN_HANDLER), |world, arguments| {
        let record: ExceptionRecord = world.peek(handler_call(arguments).record);
        world.note(format!("{:#x} {:#x}", record.code, record.flags));
        let is_first_unwind = record.flags == 2;
        if is_first_unwind && record.code == CODE {
            return Err(world.raise(SECOND_CODE, world.frames(&[code(2, BODY)])));
        }
        Ok(1)
    });
    world.says(part(0, EXCEPT), "except", 0);
    world
        .script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY), code(1, BODY)]))));
    assert_eq!(world.run(code(0, 0)), Ok(0));
    let expected = [
        "0xe0000001 0x0",
        "0xe0000001 0x2",
        // The second search asks the frame that was being unwound, and the second unwind says that it takes it over.
        "0xe0000002 0x0",
        "0xe0000002 0x42",
        "except",
    ];
    assert_eq!(world.noted(), expected);
}

#[test]
fn a_handler_may_say_by_itself_that_the_exception_is_a_nested_one() {
    let world = World::new(&[handled(OWN_HANDLER), handled(OWN_HANDLER)]);
    world.script(BASE + u64::from(OWN_HANDLER), |world, arguments| {
        let call = handler_call(arguments);
        let record: ExceptionRecord = world.peek(call.record);
        world.note(format!("{:#x}", record.flags));
        Ok(if call.frame == world.frame_at(0, 1) { 2 } else { 1 })
    });
    world
        .script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY), code(1, BODY)]))));
    assert!(world.run(code(0, 0)).is_err());
    assert_eq!(world.noted(), ["0x0", "0x10"]);
}

#[test]
fn a_handler_may_say_by_itself_which_frame_to_go_on_with() {
    let world = World::new(&[guarded(0, &[except(0, 1)]), handled(OWN_HANDLER), handled(OWN_HANDLER)]);
    world.script(BASE + u64::from(OWN_HANDLER), |world, arguments| {
        let call = handler_call(arguments);
        let is_innermost = call.frame == world.frame_at(0, 2);
        world.note(if is_innermost { "innermost" } else { "middle" });
        if !is_innermost {
            return Ok(1);
        }
        // What the dispatcher's context describes is the outermost frame: the one in the middle is left out.
        let told: DispatcherContext = world.peek(call.dispatcher);
        world.poke(ProcessorContext::RIP.address_in(told.context_record), code(0, BODY));
        world.poke(ProcessorContext::RSP.address_in(told.context_record), world.frame_at(0, 0));
        Ok(3)
    });
    world.says(part(0, EXCEPT), "except", 0);
    world.script(code(0, 0), |world, _| {
        let at = world.frames(&[code(0, BODY), code(1, BODY), code(2, BODY)]);
        Err(world.raise(CODE, at))
    });
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["innermost", "innermost", "except"]);
}
