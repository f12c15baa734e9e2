//! Stories of threads that wait, and of what interrupts them, and what the stories share.

mod memory;
mod objects;
mod preemption;
mod regions;
mod spinning;
mod stuck;
mod timers;
mod waits;
mod work;

use super::*;
use crate::Instant;
use alloc::string::ToString;
use alloc::vec;
use ntpool_types::{BugCheck, BugCheckCode, Bytes, NtStatus};

const ALL: u64 = u64::MAX;
const EVENT: VirtualAddress = VirtualAddress(0x1000);
const OTHER: VirtualAddress = VirtualAddress(0x2000);
const MUTEX: VirtualAddress = VirtualAddress(0x3000);
const TIMER: VirtualAddress = VirtualAddress(0x4000);
const DPC: VirtualAddress = VirtualAddress(0x5000);
const LOCK: VirtualAddress = VirtualAddress(0x6000);
const ROUTINE: VirtualAddress = VirtualAddress(0x7000);
const SECOND: u64 = 10_000_000;
const DONE: WaitStart = WaitStart::Done(WaitOutcome::Satisfied { index: 0, abandoned: false });
const SATISFIED: WaitOutcome = WaitOutcome::Satisfied { index: 0, abandoned: false };

fn object_of(number: u64) -> VirtualAddress {
    VirtualAddress(0x10_0000 + number * 0x1000)
}

/// A machine with so many threads of priority 8, and the first of them running.
fn machine(processors: u32, threads: u64) -> (Dispatcher, Vec<ThreadId>) {
    let mut machine = Dispatcher::new(processors, Schedule::replay(Vec::new()));
    let threads: Vec<ThreadId> =
        (0..threads).map(|number| machine.create_thread(object_of(number), 8, ALL)).collect();
    assert_eq!(machine.boundary(), threads[0]);
    machine.take_changed();
    (machine, threads)
}

fn wait_for(machine: &mut Dispatcher, object: VirtualAddress) -> WaitStart {
    machine.wait(WaitRequest::single(&object, None)).unwrap()
}

/// The running thread blocks on one object, and the next one runs.
fn block_for(machine: &mut Dispatcher, object: VirtualAddress) -> ThreadId {
    assert_eq!(wait_for(machine, object), WaitStart::Blocked);
    let next = machine.block().unwrap();
    machine.assert_consistent();
    next
}

fn wait_many(objects: &[VirtualAddress], kind: WaitKind, timeout: Option<Timeout>) -> WaitRequest<'_> {
    WaitRequest { objects, kind, timeout, alertable: false, has_wait_blocks: true }
}

fn raise(machine: &Dispatcher, to: Irql) {
    machine.processor(machine.running().0).raise(to).unwrap();
}

fn lower(machine: &Dispatcher, to: Irql) {
    machine.processor(machine.running().0).lower(to).unwrap();
}

fn irql(machine: &Dispatcher) -> Irql {
    machine.processor(machine.running().0).irql()
}

fn dpc_work(object: VirtualAddress) -> Work {
    Work::Dpc { object, timer: None, threaded: false }
}
