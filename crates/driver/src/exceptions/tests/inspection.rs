//! What driver code finds out about its frames, probes, and what becomes of the machine's own reasons to stop.

use super::super::inspect::BackTrace;
use super::super::{FullContext, Probe, VirtualUnwind};
use super::support::info_at;
use super::world::{
    BASE, C_HANDLER, FRAME, LEAF, OWN_HANDLER, STACK, Scope, World, code, guarded, handled, part, plain,
};
use crate::stop::{Answer, Stop};
use ntpool_abi::{ExceptionPointers, ExceptionRecord, ProcessorContext, SavedRegisterPointers};
use ntpool_machine::{Access, Fault, Registers, Trap, TrapKind};
use ntpool_types::{Bytes, Irql, NtStatus, VirtualAddress};

const BODY: u32 = 0x20;
/// Memory of the stack's that no frame uses.
const FREE: VirtualAddress = VirtualAddress(STACK.start + 0x100);

/// Runs driver code that makes one call of the machine's from a function's body.
fn calling(world: &World, act: impl Fn(&World, &super::super::Engine<'_>, &FullContext) -> Answer + 'static) {
    world.script(code(0, 0), move |world, _| {
        world.enter(world.frames(&[code(0, BODY)]), |engine, caller| act(world, engine, caller))
    });
    assert_eq!(world.run(code(0, 0)), Ok(0));
}

#[test]
fn a_functions_entry_and_its_image_are_found_by_an_address() {
    let world = World::new(&[plain(), plain()]);
    calling(&world, |world, engine, _| {
        let function =
            |at| engine.find_function(VirtualAddress(at), FREE).map(|at| (at, world.peek::<u64>(FREE)));
        assert_eq!(function(code(1, BODY)), Ok((BASE + 0x2000 + 12, BASE)));
        assert_eq!(function(BASE + u64::from(LEAF)), Ok((0, BASE)));
        assert_eq!(function(0x1234), Ok((0, 0)));
        let image = |at| engine.find_image(VirtualAddress(at), FREE).map(|at| (at, world.peek::<u64>(FREE)));
        assert_eq!(image(BASE + u64::from(LEAF)), Ok((BASE, BASE)));
        assert_eq!(image(0x1234), Ok((0, 0)));
        Ok(0)
    });
}

#[test]
fn driver_code_can_step_up_the_stack_by_itself() {
    let mut info = handled(OWN_HANDLER);
    // sub rsp, 0x20 behind push rbx: as large a frame as the others'.
    info[..8].copy_from_slice(&[1 | 3 << 3, 5, 2, 0, 5, 0x32, 1, 0x30]);
    let world = World::new(&[info]);
    calling(&world, |world, engine, caller| {
        let context = FREE;
        let [data, establisher, pointers] =
            [0x600, 0x608, 0x610].map(|offset| VirtualAddress(FREE.0 + offset));
        engine.capture_context(context, caller)?;
        world.poke(caller.stack_pointer() + 0x20, 77);
        let request = |handler_type| VirtualUnwind {
            handler_type,
            control_pc: code(0, BODY),
            context,
            handler_data: data,
            establisher_frame: establisher,
            pointers,
        };
        assert_eq!(engine.virtual_unwind(&request(1)), Ok(BASE + u64::from(OWN_HANDLER)));
        let after: ProcessorContext = world.peek(context);
        assert_eq!((after.general[3], after.general[4]), (77, caller.stack_pointer() + FRAME));
        assert_eq!(world.peek::<u64>(data), BASE + u64::from(info_at(0)) + 12);
        assert_eq!(world.peek::<u64>(establisher), caller.stack_pointer());
        let saved: SavedRegisterPointers = world.peek(pointers);
        assert_eq!((saved.general[3], saved.general[5]), (caller.stack_pointer() + 0x20, 0));

        engine.capture_context(context, caller)?;
        assert_eq!(engine.virtual_unwind(&request(0)), Ok(0), "no handler was asked for");
        Ok(0)
    });
}

#[test]
fn a_captured_context_is_the_callers_and_can_be_gone_on_with() {
    let world = World::new(&[plain()]);
    world.script(code(0, 0), |world, _| {
        world.enter(world.frames(&[code(0, BODY)]), |engine, caller| engine.capture_context(FREE, caller))?;
        let captured: ProcessorContext = world.peek(FREE);
        assert_eq!((captured.rip, captured.general[4]), (code(0, BODY), world.frame_at(0, 0)));
        assert_eq!((captured.flags, captured.seg_cs), (0x10_000F, 0x10));
        // From a callback, back into this segment.
        world.enter(world.frames(&[code(0, BODY)]), |engine, _| {
            engine.surroundings.call(VirtualAddress(code(0, 8)), &[])
        })
    });
    world.script(code(0, 8), |world, _| {
        let at = world.frames(&[code(0, BODY)]);
        Err(world.enter(at, |engine, caller| engine.restore_context(FREE, caller)))
    });
    world.script(code(0, BODY), |world, arguments| {
        assert_eq!(arguments[1], world.frame_at(0, 0));
        Ok(11)
    });
    assert_eq!(world.run(code(0, 0)), Ok(11));
}

#[test]
fn a_context_that_is_on_no_stack_is_refused() {
    let world = World::new(&[plain()]);
    calling(&world, |world, engine, caller| {
        engine.capture_context(FREE, caller)?;
        world.poke(ProcessorContext::RSP.address_in(FREE.0), 0x1234_5678);
        let stop = engine.restore_context(FREE, caller);
        assert!(matches!(stop, Stop::Unhandled(unhandled) if unhandled.record.code == 0xC000_0028));
        Ok(0)
    });
}

#[test]
fn a_back_trace_goes_through_every_segment_and_leaves_the_machine_out() {
    let world = World::new(&[plain(), plain()]);
    world.script(code(0, 0), |world, _| {
        world.enter(world.frames(&[code(0, BODY)]), |engine, _| {
            engine.surroundings.call(VirtualAddress(code(1, 0)), &[])
        })
    });
    world.script(code(1, 0), |world, _| {
        world.enter(world.frames(&[code(1, BODY), code(1, 0x24)]), |engine, caller| {
            let hash = VirtualAddress(FREE.0 + 0x100);
            let trace = |skip, limit| {
                let count = engine.back_trace(&BackTrace { skip, limit, addresses: FREE, hash }, caller)?;
                Ok((0..count)
                    .map(|place| world.peek(VirtualAddress(FREE.0 + 8 * place)))
                    .collect::<Vec<u64>>())
            };
            let all = [code(1, 0x24), code(1, BODY), code(0, BODY)];
            assert_eq!(trace(0, 9), Ok::<_, Stop>(all.to_vec()));
            assert_eq!(
                world.peek::<u32>(hash),
                all.iter().fold(0, |sum: u32, &at| sum.wrapping_add(at as u32))
            );
            assert_eq!(trace(1, 1), Ok(vec![code(1, BODY)]));
            Ok(0)
        })
    });
    assert_eq!(world.run(code(0, 0)), Ok(0));
}

/// What a guarded call of the machine's raised: code and parameters; `None` when it returned.
fn raised(
    act: impl Fn(&super::super::Engine<'_>, &FullContext) -> Answer + 'static,
) -> Option<(u32, Vec<u64>)> {
    let scope = Scope { range: (0x10, 0x30), handler: part(0, 0x80), jump: part(0, 0x90) };
    let world = World::new(&[guarded(0, &[scope])]);
    world.script(code(0, 0x80), |world, arguments| {
        let pointers: ExceptionPointers = world.peek(VirtualAddress(arguments[0]));
        let record: ExceptionRecord = world.peek(VirtualAddress(pointers.record));
        assert_eq!(record.address, code(0, BODY), "where the call returns to");
        world.note(format!("{:?}", &record.parameters[..record.parameter_count as usize]));
        Ok(1)
    });
    world.script(code(0, 0x90), |_, arguments| Ok(arguments[0]));
    world.script(code(0, 0), move |world, _| {
        world.enter(world.frames(&[code(0, BODY)]), |engine, caller| act(engine, caller).map(|_| 0))
    });
    let code = world.run(code(0, 0)).expect("everything is handled");
    let parameters = world.noted().pop()?;
    let parameters = parameters.trim_matches(['[', ']']).split(", ").filter(|text| !text.is_empty());
    Some((code as u32, parameters.map(|text| text.parse().expect("a number")).collect()))
}

fn probe(address: u64, length: u64) -> Probe {
    Probe { address: VirtualAddress(address), length: Bytes(length), alignment: 1 }
}

#[test]
fn mach_020_a_probe_for_reading_does_not_touch_the_buffer() {
    assert_eq!(raised(|engine, caller| engine.probe_for_read(probe(0x1_0000, 0x3000), caller)), None);
}

#[test]
fn mach_021_a_probe_for_writing_faults_on_a_page_that_is_not_there() {
    let write = |address, length| {
        raised(move |engine, caller| engine.probe_for_write(probe(address, length), caller))
    };
    assert_eq!(write(0x1_0008, 0x3000), Some((0xC000_0005, vec![0, 0x1_0008])));
    assert_eq!(write(0x1_0008, 0), None);
}

#[test]
fn mach_022_a_probe_of_a_system_address_raises() {
    let read = raised(|engine, caller| engine.probe_for_read(probe(BASE, 1), caller));
    assert_eq!(read, Some((0xC000_0005, vec![])));
    let write = raised(|engine, caller| engine.probe_for_write(probe(BASE, 1), caller));
    assert_eq!(write, Some((0xC000_0005, vec![])));
}

#[test]
fn mach_024_a_raised_status_is_the_exceptions_code() {
    let status = raised(|engine, caller| Err(engine.raise_status(NtStatus::QUOTA_EXCEEDED, caller)));
    assert_eq!(status, Some((0xC000_0044, vec![])));
}

#[test]
fn a_record_of_the_drivers_is_raised_with_its_parameters() {
    let record = raised(|engine, caller| {
        let mut record = super::super::trap::record(NtStatus(0xE000_0009), VirtualAddress(0), &[7, 8, 9]);
        record.flags = 0;
        let at = engine.place(record)?;
        Err(engine.raise_record(at, caller))
    });
    assert_eq!(record, Some((0xE000_0009, vec![7, 8, 9])));
}

// MACH-001
#[test]
fn what_a_routine_of_the_machine_raises_or_faults_on_can_be_handled_by_its_caller() {
    let raise = raised(|engine, caller| Err(engine.deliver(Stop::Raise(NtStatus::QUOTA_EXCEEDED), caller)));
    assert_eq!(raise, Some((0xC000_0044, vec![])));
    let null = Fault { address: VirtualAddress(0x18), access: Access::Write, non_canonical: false };
    let fault = raised(move |engine, caller| Err(engine.deliver(Stop::Fault(null), caller)));
    assert_eq!(fault, Some((0xC000_0005, vec![1, 0x18])));
}

// MACH-007
#[test]
fn mach_012_a_fault_that_no_handler_hears_of_stays_one() {
    let world = World::new(&[handled(C_HANDLER)]);
    calling(&world, |world, engine, caller| {
        let system = Fault { address: VirtualAddress(BASE), access: Access::Write, non_canonical: false };
        assert_eq!(engine.deliver(Stop::Fault(system), caller), Stop::Fault(system));
        let trap = Trap { kind: TrapKind::Page(system), registers: Registers::default() };
        assert_eq!(engine.dispatch_trap(&trap, caller), None);
        world.level.set(Irql::DISPATCH);
        let null = Fault { address: VirtualAddress(0), ..system };
        assert_eq!(engine.deliver(Stop::Fault(null), caller), Stop::Fault(null));
        Ok(0)
    });
}

// MACH-004
#[test]
fn mach_005_a_null_access_in_driver_code_can_be_handled() {
    let trapped = raised(|engine, caller| {
        let fault = Fault { address: VirtualAddress(0x18), access: Access::Read, non_canonical: false };
        let registers = Registers { instruction: caller.instruction(), ..Registers::default() };
        let trap = Trap { kind: TrapKind::Page(fault), registers };
        let dispatched = engine.dispatch_trap(&trap, caller).expect("handlers hear of it");
        Err(engine.settle(dispatched, 0))
    });
    assert_eq!(trapped, Some((0xC000_0005, vec![0, 0x18])));
}
