//! Cancel-safe queues: which of the driver's routines are called, and in which order.

use crate::observer::{Observed, Observer};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("cancel-queue");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn a_request_is_inserted_and_removed_under_the_drivers_lock() {
    assert_eq!(OBSERVED.rules(), Vec::<&str>::new());
    assert_eq!(OBSERVED.line("initialize"), "0");
    assert_eq!(OBSERVED.line("insert"), "lock insert0 unlock0 pending=1");
    assert_eq!(OBSERVED.line("remove-next"), "lock peek=1 remove0 unlock0 irp=1");
    assert_eq!(OBSERVED.line("remove-none"), "lock peek=1 unlock0 irp=0");
}

#[test]
fn a_claim_finds_its_request_once() {
    assert_eq!(OBSERVED.line("insert-claimed"), "lock insert1 unlock0 irp=1");
    assert_eq!(OBSERVED.line("remove-claimed"), "lock remove1 unlock0 irp=1 left=0");
    assert_eq!(OBSERVED.line("remove-again"), "lock unlock0 irp=0");
    assert_eq!(OBSERVED.line("remove-claimed-next"), "lock peek=1 remove2 unlock0 left=0");
}

#[test]
fn a_request_that_is_cancelled_already_is_completed_and_not_kept() {
    assert_eq!(OBSERVED.line("insert-cancelled"), "lock insert2 remove2 unlock0 cancelled2 at 0 empty=1");
}

#[test]
fn the_drivers_routine_may_refuse_a_request() {
    assert_eq!(OBSERVED.line("insert-refused"), "lock context=7 unlock0 status=80000011 pending=0");
    assert_eq!(OBSERVED.line("insert-ex"), "lock context=7 insert2 unlock0 status=0 pending=1");
}
