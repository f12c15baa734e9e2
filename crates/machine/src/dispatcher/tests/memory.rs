//! Memory that is freed under what is still needed.

use super::*;

#[test]
fn mach_047_freed_memory_gives_up_what_was_still_needed() {
    let (mut machine, threads) = machine(1, 2);
    let far = VirtualAddress(0x9000);
    for timer in [TIMER, far] {
        machine.initialize_timer(timer, Reset::ByHand).unwrap();
    }
    machine.set_timer(TIMER, Timeout::Relative(5), 0, TimerAction::Signal).unwrap();
    machine.set_timer(far, Timeout::Relative(5), 0, TimerAction::Dpc(Dpc::new(DPC))).unwrap();
    machine.queue_dpc(Dpc::new(VirtualAddress(DPC.0 + 0x40))).unwrap();
    machine.initialize_mutex(MUTEX).unwrap();
    wait_for(&mut machine, MUTEX);
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    block_for(&mut machine, EVENT);
    assert_eq!(machine.queued_timers().collect::<Vec<_>>(), [(TIMER, None), (far, Some(DPC))]);
    let forgotten = machine.forget_range(EVENT, Bytes(0x5000));
    assert_eq!(
        forgotten,
        [
            Forgotten::Awaited { object: EVENT, waiter_count: 1 },
            Forgotten::OwnedMutex { mutex: MUTEX, owner: threads[0] },
            Forgotten::QueuedTimer { timer: TIMER },
            Forgotten::DpcOfTimer { dpc: DPC, timer: far },
            Forgotten::QueuedDpc { dpc: VirtualAddress(DPC.0 + 0x40) },
        ]
    );
    let stops = forgotten.iter().map(|it| it.bug_check(EVENT, Bytes(0x5000)).map(|stop| stop.parameters));
    let timer = Some([0, TIMER.0, 0x1000, 0x6000]);
    let call = |address| Some([1, address, 0x1000, 0x6000]);
    assert_eq!(stops.collect::<Vec<_>>(), [None, None, timer, call(0x5000), call(0x5040)]);
    assert_eq!((machine.queued_timer_count(), machine.queued_dpc_count()), (0, 0));
    machine.assert_consistent();
    assert_eq!(machine.forget_range(EVENT, Bytes(0x5000)), [], "once");
    let stuck = {
        wait_for(&mut machine, object_of(0));
        machine.block().unwrap_err()
    };
    assert!(stuck.to_string().contains("an object that is gone at 0x1000"), "{stuck}");
}
