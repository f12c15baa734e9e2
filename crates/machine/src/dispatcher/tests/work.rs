//! Deferred procedure calls, interrupts and calls between processors.

use super::*;

// MACH-162 MACH-163
#[test]
fn mach_162_163_a_deferred_call_is_queued_once_and_runs_at_dispatch_level() {
    let (mut machine, threads) = machine(1, 2);
    raise(&machine, Irql::DISPATCH);
    assert_eq!([machine.queue_dpc(Dpc::new(DPC)), machine.queue_dpc(Dpc::new(DPC))], [Ok(true), Ok(false)]);
    assert_eq!(machine.take_work(), None, "not before the level is below");
    lower(&machine, Irql::PASSIVE);
    assert_eq!(machine.take_work(), Some(dpc_work(DPC)));
    machine.begin_work(dpc_work(DPC), ROUTINE);
    assert!(machine.in_dpc());
    assert_eq!(irql(&machine), Irql::DISPATCH);
    assert_eq!(machine.queue_dpc(Dpc::new(DPC)), Ok(true), "it may queue itself");
    assert_eq!(machine.take_work(), None, "which runs when this one has ended");
    machine.set_priority(threads[1], 31);
    assert_eq!(machine.boundary(), threads[0], "no thread comes in between");
    assert_eq!(machine.end_work(), []);
    assert_eq!((irql(&machine), machine.in_dpc()), (Irql::PASSIVE, false));
    assert!(machine.remove_dpc(DPC) && !machine.remove_dpc(DPC));
    machine.assert_consistent();
}

// MACH-047 MACH-049
#[test]
fn mach_047_049_what_a_deferred_call_leaves_behind_is_told_of() {
    let (mut machine, _) = machine(1, 1);
    machine.begin_work(dpc_work(DPC), ROUTINE);
    machine.enter_critical_region();
    raise(&machine, Irql::HIGH);
    machine.pass(21 * SECOND);
    let crimes = machine.end_work();
    let codes: Vec<_> =
        crimes.iter().map(|crime| crime.bug_check().map(|stop| (stop.code.0, stop.parameters))).collect();
    let counts = (0xC7, [4, ROUTINE.0, 0, 0xFFFF]);
    assert_eq!(codes, [None, Some(counts), Some((0x133, [0, 1344, 1280, 0]))]);
    assert_eq!(
        crimes[0],
        Crime::LevelNotRestored { routine: ROUTINE, before: Irql::DISPATCH, after: Irql::HIGH }
    );
    assert_eq!(irql(&machine), Irql::PASSIVE, "it is restored");
    machine.begin_work(Work::Dpc { object: DPC, timer: Some(TIMER), threaded: false }, ROUTINE);
    machine.leave_critical_region().unwrap();
    let crimes = machine.end_work();
    assert_eq!(crimes[0].bug_check().unwrap().parameters[0], 5, "a timer's");
    let far = Dpc { target: Some(ProcessorNumber(1)), ..Dpc::new(DPC) };
    let stop = machine.queue_dpc(far).unwrap_err().bug_check().unwrap();
    assert_eq!((stop.code.0, stop.parameters[0]), (0xC7, 3));
}

#[test]
fn mach_049_a_processor_may_not_stay_raised_for_two_minutes() {
    let (mut machine, _) = machine(1, 1);
    machine.pass(1000 * SECOND);
    raise(&machine, Irql::DISPATCH);
    machine.pass(100 * SECOND);
    lower(&machine, Irql::PASSIVE);
    machine.boundary();
    raise(&machine, Irql::DISPATCH);
    machine.pass(100 * SECOND);
    machine.boundary();
    assert_eq!(machine.watchdog(), None);
    machine.pass(30 * SECOND);
    let stop = machine.watchdog().unwrap().bug_check().unwrap();
    assert_eq!((stop.code.0, stop.parameters), (0x133, [1, 7680, 0, 0]));
}

#[test]
fn mach_048_a_deferred_call_that_waits_is_bug_check_0xb8() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    machine.set_thread_object(ThreadId(0), object_of(9));
    let stop = BugCheck::new(BugCheckCode(0xB8), [object_of(0).0, object_of(9).0, 0, 0]);
    for threaded in [false, true] {
        machine.begin_work(Work::Dpc { object: DPC, timer: None, threaded }, ROUTINE);
        let Err(WaitError::Refused(crime)) = machine.wait(WaitRequest::single(&EVENT, None)) else {
            panic!("the wait was not refused");
        };
        assert_eq!(crime.bug_check(), Some(stop));
        assert_eq!(machine.delay(Timeout::Relative(1), false), Err(crime));
        let look = machine.wait(WaitRequest::single(&EVENT, Some(Timeout::Relative(0))));
        assert_eq!(look, Ok(WaitStart::Done(WaitOutcome::TimedOut)));
        machine.end_work();
    }
}

#[test]
fn important_calls_come_first_and_unimportant_ones_when_there_is_time() {
    let (mut machine, threads) = machine(1, 1);
    let call = |number, importance| Dpc { importance, ..Dpc::new(VirtualAddress(number)) };
    machine.queue_dpc(call(1, Importance::Low)).unwrap();
    assert_eq!(machine.take_work(), None, "it waits");
    for _ in 0..LOW_IMPORTANCE_STEPS {
        machine.boundary();
    }
    assert_eq!(machine.take_work(), Some(dpc_work(VirtualAddress(1))), "but not for ever");
    machine.queue_dpc(call(1, Importance::Low)).unwrap();
    machine.queue_dpc(call(2, Importance::Medium)).unwrap();
    machine.queue_dpc(call(3, Importance::High)).unwrap();
    let order: Vec<_> = core::iter::from_fn(|| machine.take_work()).collect();
    assert_eq!(order, [3, 1, 2].map(|number| dpc_work(VirtualAddress(number))));
    machine.queue_dpc(call(1, Importance::Low)).unwrap();
    machine.delay(Timeout::Relative(5), false).unwrap();
    assert_ne!(machine.block(), Ok(threads[0]), "an idle processor has time");
    assert_eq!(machine.take_work(), Some(dpc_work(VirtualAddress(1))));
}

#[test]
fn a_threaded_call_runs_at_passive_level_and_ordinary_ones_interrupt_it() {
    let (mut machine, threads) = machine(1, 2);
    machine.queue_dpc(Dpc { threaded: true, ..Dpc::new(DPC) }).unwrap();
    raise(&machine, Irql::APC);
    let work = machine.take_work().unwrap();
    machine.begin_work(work, ROUTINE);
    assert_eq!(irql(&machine), Irql::PASSIVE);
    machine.set_priority(threads[1], 31);
    assert_eq!(machine.boundary(), threads[0], "threads do not interrupt it");
    machine.queue_dpc(Dpc { threaded: true, ..Dpc::new(OTHER) }).unwrap();
    machine.queue_dpc(Dpc::new(LOCK)).unwrap();
    assert_eq!(machine.take_work(), Some(dpc_work(LOCK)));
    machine.begin_work(dpc_work(LOCK), ROUTINE);
    assert_eq!(machine.end_work(), []);
    assert_eq!(machine.take_work(), None, "one threaded call at a time");
    assert_eq!(machine.end_work(), []);
    assert_eq!(irql(&machine), Irql::APC);
}

#[test]
fn interrupts_nest_by_their_levels() {
    let (mut machine, _) = machine(1, 1);
    let level = |level| Irql::new(level).unwrap();
    let here = ProcessorNumber(0);
    assert!(machine.request_interrupt(here, VirtualAddress(5), level(5)));
    assert!(machine.request_interrupt(here, VirtualAddress(9), level(9)));
    assert!(!machine.request_interrupt(here, VirtualAddress(9), level(9)), "pending already");
    machine.send_ipi(ALL, LOCK);
    machine.queue_dpc(Dpc::new(DPC)).unwrap();
    raise(&machine, level(6));
    let call = machine.take_work().unwrap();
    assert_eq!(call, Work::Ipi { key: LOCK });
    machine.begin_work(call, ROUTINE);
    assert_eq!((irql(&machine), machine.take_work()), (IPI_LEVEL, None));
    assert_eq!(machine.end_work(), []);
    let high = machine.take_work().unwrap();
    assert_eq!(high, Work::Interrupt { key: VirtualAddress(9), irql: level(9) });
    machine.begin_work(high, ROUTINE);
    assert!(!machine.in_dpc());
    machine.processor(here).set_irql(Irql::PASSIVE);
    let refused = machine.delay(Timeout::Relative(1), false);
    assert_eq!(refused, Err(Crime::WaitTooHigh { irql: level(9) }), "whatever level it lowers itself to");
    machine.processor(here).set_irql(level(9));
    assert_eq!(machine.end_work(), []);
    assert_eq!(machine.take_work(), None, "the others are too low");
    lower(&machine, Irql::PASSIVE);
    assert_eq!(machine.take_work(), Some(Work::Interrupt { key: VirtualAddress(5), irql: level(5) }));
    assert_eq!(machine.take_work(), Some(dpc_work(DPC)));
}
