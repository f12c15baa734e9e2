//! Who is asked, in which order, and what follows from the answers.

use super::super::{Engine, FullContext, Reason};
use super::support::{function_at, info_at};
use super::world::{
    BASE, CODE, FRAME, LEAF, OWN_HANDLER, SECOND_CODE, STACK, Scope, World, code, guarded, handled,
    handler_call, part, plain,
};
use crate::stop::Stop;
use ntpool_abi::{DispatcherContext, ExceptionPointers, ExceptionRecord, ProcessorContext};
use ntpool_types::{Irql, NtStatus, VirtualAddress};

const BODY: u32 = 0x20;
const FILTER: u32 = 0x80;
const EXCEPT: u32 = 0x90;

/// A world of one function, whose body is guarded by a filter.
fn one_function(filter: u32) -> World {
    let scope = Scope { range: (0x10, 0x30), handler: filter, jump: part(0, EXCEPT) };
    let world = World::new(&[guarded(0, &[scope])]);
    world.says(part(0, EXCEPT), "except", 0);
    world.script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY)]))));
    world
}

fn ending(world: &World) -> super::super::Unhandled {
    match world.run(code(0, 0)) {
        Err(Stop::Unhandled(unhandled)) => *unhandled,
        other => panic!("the exception was handled: {other:?}"),
    }
}

#[test]
fn an_exception_that_no_function_guards_against_is_unhandled_with_its_records() {
    let world = World::new(&[plain()]);
    world.script(code(0, 0), |world, _| {
        let stop = world.raise(CODE, world.frames(&[code(0, BODY)]));
        let Stop::Unhandled(unhandled) = &stop else { panic!("{stop:?}") };
        let record: ExceptionRecord = world.peek(unhandled.record_at);
        let context: ProcessorContext = world.peek(unhandled.context_at);
        assert_eq!((record.code, record.address, context.rip), (CODE, code(0, BODY), code(0, BODY)));
        assert!(unhandled.record_at.0 < world.frame_at(0, 0) && unhandled.record_at.0.is_multiple_of(16));
        Err(stop)
    });
    let unhandled = ending(&world);
    assert_eq!((unhandled.reason, unhandled.record.code), (Reason::Nobody, CODE));
}

#[test]
fn mach_001_a_filter_that_takes_the_exception_leads_to_its_handler() {
    let world = one_function(part(0, FILTER));
    world.script(code(0, FILTER), |world, arguments| {
        let pointers: ExceptionPointers = world.peek(VirtualAddress(arguments[0]));
        let record: ExceptionRecord = world.peek(VirtualAddress(pointers.record));
        let context: ProcessorContext = world.peek(VirtualAddress(pointers.context));
        assert_eq!((record.code, context.rip), (CODE, code(0, BODY)));
        assert_eq!(arguments[1], world.frame_at(0, 0), "the frame");
        Ok(1)
    });
    world.script(code(0, EXCEPT), |world, arguments| {
        assert_eq!(arguments, [u64::from(CODE), world.frame_at(0, 0)], "result register and stack pointer");
        Ok(77)
    });
    assert_eq!(world.run(code(0, 0)), Ok(77));
}

#[test]
fn a_filter_that_declines_leaves_the_exception_to_others() {
    let world = one_function(part(0, FILTER));
    // The upper half of the result register means nothing.
    world.says(part(0, FILTER), "filter", 5 << 32);
    assert_eq!(ending(&world).reason, Reason::Nobody);
    assert_eq!(world.noted(), ["filter"]);
}

#[test]
fn a_filter_that_goes_on_resumes_with_the_registers_it_changed() {
    let world = one_function(part(0, FILTER));
    world.script(code(0, FILTER), |world, arguments| {
        let pointers: ExceptionPointers = world.peek(VirtualAddress(arguments[0]));
        world.poke(ProcessorContext::RAX.address_in(pointers.context), 42);
        world.poke(ProcessorContext::RIP.address_in(pointers.context), code(0, 0x44));
        Ok(u64::from(u32::MAX))
    });
    world.script(code(0, 0x44), |world, arguments| {
        assert_eq!(arguments[1], world.frame_at(0, 0), "the stack pointer is what it was");
        Ok(arguments[0])
    });
    assert_eq!(world.run(code(0, 0)), Ok(42));
}

#[test]
fn a_constant_in_place_of_a_filter_takes_every_exception() {
    let world = one_function(1);
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["except"]);
}

#[test]
fn an_exception_outside_the_guarded_part_is_not_the_functions() {
    let world = one_function(1);
    world.script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, 0x30)]))));
    assert_eq!(ending(&world).reason, Reason::Nobody);
}

#[test]
fn inner_guards_are_asked_before_outer_ones_and_called_functions_before_their_callers() {
    let scope =
        |begin, end, filter| Scope { range: (begin, end), handler: part(0, filter), jump: part(0, EXCEPT) };
    let inner = guarded(0, &[scope(0x18, 0x28, 0x80), scope(0x10, 0x30, 0x84)]);
    let callee = guarded(1, &[scope(0x10, 0x30, 0x88)].map(|scope| Scope { range: (0x10, 0x30), ..scope }));
    let world = World::new(&[inner, callee]);
    world.says(part(0, 0x88), "callee", 0);
    world.says(part(0, 0x80), "inner", 0);
    world.says(part(0, 0x84), "outer", 1);
    world.says(part(0, EXCEPT), "except", 0);
    world
        .script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY), code(1, BODY)]))));
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["callee", "inner", "outer", "except"]);
}

#[test]
fn a_leaf_function_and_a_call_through_a_null_pointer_are_stepped_over() {
    for instruction in [BASE + u64::from(LEAF), 0] {
        let world = one_function(1);
        world.script(code(0, 0), move |world, _| {
            let mut context = world.frames(&[code(0, BODY)]);
            let stack_pointer = context.stack_pointer() - 8;
            world.poke(stack_pointer, code(0, BODY));
            context.registers.rip = instruction;
            context.registers.set_rsp(stack_pointer);
            Err(world.raise(CODE, context))
        });
        assert_eq!(world.run(code(0, 0)), Ok(0), "{instruction:#x}");
        assert_eq!(world.noted(), ["except"]);
    }
}

#[test]
fn a_part_that_was_moved_away_is_guarded_by_its_functions_handler() {
    let mut chained = vec![1 | 4 << 3, 0, 0, 0];
    for word in [function_at(0), function_at(0) + 0xF0, info_at(0)] {
        chained.extend(word.to_le_bytes());
    }
    let moved = function_at(1) - function_at(0);
    let scope = Scope { range: (moved + 0x10, moved + 0x30), handler: 1, jump: part(0, EXCEPT) };
    let world = World::new(&[guarded(0, &[scope]), chained]);
    world.says(part(0, EXCEPT), "except", 0);
    world.script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(1, BODY)]))));
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["except"]);
}

#[test]
fn in_prologue_and_epilogue_nobody_is_asked() {
    // Scopes over the whole function would take the exception; only its place keeps the handler from being asked.
    let scope = Scope { range: (0, 0xF0), handler: 1, jump: part(0, EXCEPT) };
    let body = |_: usize| {
        let mut code = vec![0x90; 0x40];
        // add rsp, 0x28; ret
        code.extend([0x48, 0x83, 0xC4, 0x28, 0xC3]);
        code
    };
    for offset in [0x40, 0x44, 0] {
        let world = World::with_code(&[guarded(0, &[scope])], &body);
        world.script(code(0, 0), move |world, _| {
            let mut context = world.frames(&[code(0, offset)]);
            if offset != 0x40 {
                context.registers.set_rsp(context.stack_pointer() + 0x28);
            }
            Err(world.raise(CODE, context))
        });
        assert_eq!(ending(&world).reason, Reason::Nobody, "{offset:#x}");
    }
}

#[test]
fn mach_013_at_dispatch_level_nobody_is_asked() {
    let world = one_function(1);
    world.level.set(Irql::DISPATCH);
    assert_eq!(ending(&world).reason, Reason::Level);
    assert!(world.noted().is_empty());
}

#[test]
fn going_on_after_a_noncontinuable_exception_is_an_exception_of_its_own() {
    let world = one_function(part(0, FILTER));
    world.script(code(0, FILTER), |world, arguments| {
        let pointers: ExceptionPointers = world.peek(VirtualAddress(arguments[0]));
        let record: ExceptionRecord = world.peek(VirtualAddress(pointers.record));
        world.note(format!("{:#x}", record.code));
        if record.code == NtStatus::INTEGER_OVERFLOW.0 {
            return Ok(u64::from(u32::MAX));
        }
        let first: ExceptionRecord = world.peek(VirtualAddress(record.nested));
        assert_eq!((first.code, record.flags & 1), (NtStatus::INTEGER_OVERFLOW.0, 1));
        Ok(1)
    });
    world.script(code(0, 0), |world, _| {
        let raise = |engine: &Engine<'_>, caller: &FullContext| {
            engine.raise_status(NtStatus::INTEGER_OVERFLOW, caller)
        };
        Err(world.enter(world.frames(&[code(0, BODY)]), raise))
    });
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["0xc0000095", "0xc0000025", "except"]);
}

#[test]
fn an_answer_that_is_none_is_an_exception_of_its_own() {
    let world = World::new(&[handled(OWN_HANDLER)]);
    world.script(BASE + u64::from(OWN_HANDLER), |world, arguments| {
        let record: ExceptionRecord = world.peek(handler_call(arguments).record);
        Ok(if record.code == CODE { 9 } else { 1 })
    });
    world.script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY)]))));
    assert_eq!(ending(&world).record.code, 0xC000_0026);
}

#[test]
fn a_handler_is_shown_where_its_frame_and_its_data_are() {
    let world = World::new(&[handled(OWN_HANDLER), plain()]);
    world.script(BASE + u64::from(OWN_HANDLER), |world, arguments| {
        let call = handler_call(arguments);
        let told: DispatcherContext = world.peek(call.dispatcher);
        assert_eq!(told.control_pc, code(0, BODY));
        assert_eq!(told.image_base, BASE);
        assert_eq!(told.function_entry, BASE + 0x2000, "the first entry of the function table");
        assert_eq!((told.establisher_frame, call.frame), (world.frame_at(0, 0), world.frame_at(0, 0)));
        assert_eq!(told.language_handler, BASE + u64::from(OWN_HANDLER));
        assert_eq!(told.handler_data, BASE + u64::from(info_at(0)) + 12);
        assert_eq!(world.peek::<[u8; 0xD8]>(VirtualAddress(told.history_table)), [0; 0xD8]);
        let shown: ProcessorContext = world.peek(VirtualAddress(told.context_record));
        assert_eq!(shown.general[4], world.frame_at(0, 0) + FRAME, "the caller's stack pointer");
        let context: ProcessorContext = world.peek(call.context);
        assert_eq!(context.rip, code(1, BODY), "where the exception happened");
        world.note("asked");
        Ok(1)
    });
    world
        .script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY), code(1, BODY)]))));
    assert_eq!(ending(&world).reason, Reason::Nobody);
    assert_eq!(world.noted(), ["asked"]);
}

#[test]
fn a_handler_of_the_images_own_may_pass_the_call_on_to_the_c_specific_one() {
    // As the handlers do that check a stack cookie first: they have a frame and call the other from it.
    let mut info = guarded(0, &[Scope { range: (0x10, 0x30), handler: 1, jump: part(0, EXCEPT) }]);
    info[8..12].copy_from_slice(&part(1, 0).to_le_bytes());
    let world = World::new(&[info, plain()]);
    world.says(part(0, EXCEPT), "except", 0);
    world.script(code(1, 0), |world, arguments| {
        let call = handler_call(arguments);
        let caller = world.frames(&[code(1, BODY)]);
        world.enter(caller, |engine, caller| engine.c_specific_handler(call, caller))
    });
    world.script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY)]))));
    assert_eq!(world.run(code(0, 0)), Ok(0));
    assert_eq!(world.noted(), ["except"]);
}

#[test]
fn a_frame_that_is_not_on_the_stack_ends_the_search() {
    let world = one_function(1);
    world.script(code(0, 0), |world, _| {
        let mut context = world.frames(&[code(0, BODY)]);
        context.registers.set_rsp(STACK.start - 0x100);
        // The machine itself works on the stack that is there.
        let record = super::super::trap::record(NtStatus(SECOND_CODE), VirtualAddress(0), &[]);
        let stop = world.enter(world.frames(&[code(0, BODY)]), |engine, _| {
            engine.settle(engine.dispatch(&record, &context, 0), 0)
        });
        Err(stop)
    });
    let unhandled = ending(&world);
    assert_eq!(unhandled.reason, Reason::InvalidStack { stack_pointer: STACK.start - 0x100 });
    assert_eq!(unhandled.record.flags, 8);
}

#[test]
fn handlers_without_end_use_the_stack_up() {
    let world = World::new(&[handled(OWN_HANDLER)]);
    world.script(BASE + u64::from(OWN_HANDLER), |world, _| {
        Err(world.raise(CODE, world.frames(&[code(0, BODY)])))
    });
    world.script(code(0, 0), |world, _| Err(world.raise(CODE, world.frames(&[code(0, BODY)]))));
    assert!(matches!(world.run(code(0, 0)), Err(Stop::Fault(_))));
}
