//! How the stack is cleared: which termination handlers run, in which order, and where control goes on.

use super::super::{Reason, Target};
use super::world::{
    BASE, CODE, FRAME, OWN_HANDLER, Scope, World, code, guarded, handled, handler_call, part, plain,
};
use crate::stop::Stop;
use ntpool_abi::{DispatcherContext, ExceptionRecord};
use ntpool_types::VirtualAddress;

const BODY: u32 = 0x20;
const EXCEPT: u32 = 0x90;

fn except(begin: u32, end: u32) -> Scope {
    Scope { range: (begin, end), handler: 1, jump: part(0, EXCEPT) }
}

fn finally(index: usize, begin: u32, end: u32, handler: u32) -> Scope {
    Scope { range: (begin, end), handler: part(index, handler), jump: 0 }
}

/// The target of an unwind that no exception caused.
fn target(frame: Option<u64>, instruction: u64) -> Target {
    Target { frame, instruction, value: 5, record: None, history: None }
}

#[test]
fn termination_handlers_run_from_the_inside_out_and_before_the_exception_is_handled() {
    let world = World::new(&[
        guarded(0, &[finally(0, 0x18, 0x28, 0x80), except(0x10, 0x30), finally(0, 0x08, 0x40, 0x84)]),
        guarded(1, &[finally(1, 0x10, 0x30, 0x80)]),
        guarded(2, &[finally(2, 0x18, 0x28, 0x80), finally(2, 0x10, 0x30, 0x84)]),
    ]);
    world.says(part(0, 0x80), "in the handler's function", 0);
    world.says(part(0, 0x84), "around the handler", 0);
    world.says(part(1, 0x80), "in the middle", 0);
    world.says(part(2, 0x80), "innermost", 0);
    world.says(part(2, 0x84), "inner", 0);
    world.says(part(0, EXCEPT), "except", 0);
    world.script(code(0, 0), |world, _| {
        let at = world.frames(&[code(0, BODY), code(1, BODY), code(2, BODY)]);
        Err(world.raise(CODE, at))
    });
    assert_eq!(world.run(code(0, 0)), Ok(0));
    let expected = ["innermost", "inner", "in the middle", "in the handler's function", "except"];
    assert_eq!(world.noted(), expected);
}

#[test]
fn a_termination_handler_learns_that_its_part_is_left_by_an_unwind() {
    let world = World::new(&[guarded(0, &[finally(0, 0x18, 0x28, 0x80), except(0x10, 0x30)])]);
    world.script(code(0, 0x80), |world, arguments| {
        assert_eq!(arguments, [1, world.frame_at(0, 0)]);
        world.note("finally");
        Ok(0)
    });
    world.says(part(0, EXCEPT), "except", 0);
    world.script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY)]))));
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["finally", "except"]);
}

#[test]
fn an_exception_in_a_callback_is_handled_where_driver_code_had_called_the_machine() {
    let world = World::new(&[guarded(0, &[except(0x10, 0x30)]), guarded(1, &[finally(1, 0x10, 0x30, 0x80)])]);
    world.says(part(1, 0x80), "finally", 0);
    world.script(code(0, EXCEPT), |world, arguments| {
        assert_eq!(arguments[1], world.frame_at(0, 0));
        world.note("except");
        Ok(3)
    });
    world.script(code(0, 0), |world, _| {
        world.enter(world.frames(&[code(0, BODY)]), |engine, _| {
            let answer = engine.surroundings.call(VirtualAddress(code(1, 0)), &[]);
            world.note("the machine's frame returns");
            answer
        })
    });
    world.script(code(1, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(1, BODY)]))));
    assert_eq!(world.run(code(0, 0)), Ok(3));
    assert_eq!(world.noted(), ["finally", "the machine's frame returns", "except"]);
}

#[test]
fn an_unwind_may_lead_to_a_frame_in_an_outer_segment() {
    let world = World::new(&[plain(), plain()]);
    world.script(code(0, 0x40), |world, arguments| {
        assert_eq!(arguments, [5, world.frame_at(0, 0)], "value and stack pointer");
        Ok(9)
    });
    world.script(code(0, 0), |world, _| {
        world.enter(world.frames(&[code(0, BODY)]), |engine, _| {
            engine.surroundings.call(VirtualAddress(code(1, 0)), &[])
        })
    });
    world.script(code(1, 0), |world, _| {
        let to = target(Some(world.frame_at(0, 0)), code(0, 0x40));
        Err(world.enter(world.frames(&[code(1, BODY)]), |engine, caller| engine.unwind(&to, caller, 0)))
    });
    assert_eq!(world.run(code(0, 0)), Ok(9));
}

#[test]
fn a_local_unwind_leaves_the_parts_that_its_target_is_not_in() {
    let scopes = [finally(0, 0x1C, 0x24, 0x80), finally(0, 0x18, 0x28, 0x84), finally(0, 0x10, 0x30, 0x88)];
    let world = World::new(&[guarded(0, &scopes)]);
    world.says(part(0, 0x80), "first", 0);
    world.says(part(0, 0x84), "second", 0);
    world.says(part(0, 0x88), "third", 0);
    world.says(part(0, 0x2C), "target", 0);
    world.script(code(0, 0), |world, _| {
        let to = target(Some(world.frame_at(0, 0)), code(0, 0x2C));
        Err(world.enter(world.frames(&[code(0, BODY)]), |engine, caller| engine.unwind(&to, caller, 0)))
    });
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["first", "second", "target"]);
}

#[test]
fn a_part_that_the_compiler_cut_in_two_is_not_left_for_its_other_piece() {
    let scopes = [finally(0, 0x10, 0x24, 0x80), finally(0, 0x40, 0x50, 0x80)];
    let world = World::new(&[guarded(0, &scopes)]);
    world.says(part(0, 0x80), "finally", 0);
    world.says(part(0, 0x48), "target", 0);
    world.script(code(0, 0), |world, _| {
        let to = target(Some(world.frame_at(0, 0)), code(0, 0x48));
        Err(world.enter(world.frames(&[code(0, BODY)]), |engine, caller| engine.unwind(&to, caller, 0)))
    });
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["target"]);
}

#[test]
fn handlers_learn_from_the_flags_how_their_frame_goes_away() {
    let world = World::new(&[handled(OWN_HANDLER), handled(OWN_HANDLER)]);
    world.script(BASE + u64::from(OWN_HANDLER), |world, arguments| {
        let call = handler_call(arguments);
        let record: ExceptionRecord = world.peek(call.record);
        let told: DispatcherContext = world.peek(call.dispatcher);
        world.note(format!("{:#x} {:#x} {:#x}", record.code, record.flags, told.target_ip));
        Ok(1)
    });
    world.says(part(0, 0x40), "target", 0);
    world.script(code(0, 0), |world, _| {
        let to = target(Some(world.frame_at(0, 0)), code(0, 0x40));
        let from = world.frames(&[code(0, BODY), code(1, BODY)]);
        Err(world.enter(from, |engine, caller| engine.unwind(&to, caller, 0)))
    });
    assert_eq!(world.run(code(0, 0)), Ok(0));
    let shown = |flags: u32| format!("0xc0000027 {flags:#x} {:#x}", code(0, 0x40));
    assert_eq!(world.noted(), [shown(0x02), shown(0x22), "target".to_owned()]);
}

#[test]
fn an_unwind_without_a_target_leaves_every_frame_and_is_unhandled_then() {
    let world = World::new(&[handled(OWN_HANDLER), handled(OWN_HANDLER)]);
    world.script(BASE + u64::from(OWN_HANDLER), |world, arguments| {
        let record: ExceptionRecord = world.peek(handler_call(arguments).record);
        world.note(format!("{:#x}", record.flags));
        Ok(1)
    });
    world.script(code(0, 0), |world, _| {
        let from = world.frames(&[code(0, BODY), code(1, BODY)]);
        Err(world.enter(from, |engine, caller| engine.unwind(&target(None, 0), caller, 0)))
    });
    let Err(Stop::Unhandled(unhandled)) = world.run(code(0, 0)) else { panic!("it goes on") };
    assert_eq!((unhandled.reason, unhandled.record.code), (Reason::Nobody, 0xC000_0027));
    assert_eq!(world.noted(), ["0x6", "0x6"]);
}

#[test]
fn an_unwind_to_a_frame_that_is_none_goes_astray() {
    for target_number in [0, 7] {
        let world = World::new(&[plain(), plain()]);
        world.script(code(0, 0), move |world, _| {
            // Between two frames, and above them all.
            let frame = world.frame_at(0, 1) + FRAME * target_number + 8;
            let from = world.frames(&[code(0, BODY), code(1, BODY)]);
            let to = target(Some(frame), code(0, 0x40));
            Err(world.enter(from, |engine, caller| engine.unwind(&to, caller, 0)))
        });
        let Err(Stop::Unhandled(unhandled)) = world.run(code(0, 0)) else { panic!("it goes on") };
        assert!(matches!(unhandled.reason, Reason::InvalidUnwind { .. }), "{:?}", unhandled.reason);
    }
}
