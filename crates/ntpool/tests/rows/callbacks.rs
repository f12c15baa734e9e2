//! Executive callbacks: who is called, in which order, and until when.

use crate::observer::{Observed, Observer};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("callbacks");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn routines_are_called_in_the_order_of_their_registration_until_they_are_taken_back() {
    assert_eq!(OBSERVED.rules(), Vec::<&str>::new());
    assert_eq!(OBSERVED.line("notified"), "1(3,4) 2(3,4)");
    assert_eq!(OBSERVED.line("notified-second"), "2(5,6)");
}

#[test]
fn a_callback_object_is_found_by_its_name() {
    assert_eq!(OBSERVED.line("missing"), "status=c0000034");
    assert_eq!(OBSERVED.line("created"), "status=0");
    assert_eq!(OBSERVED.line("opened"), "status=0 same=1");
    assert_eq!(OBSERVED.line("of-the-system"), "status=0");
}

#[test]
fn an_object_for_one_routine_takes_no_second_one() {
    assert_eq!(OBSERVED.line("single"), "first=1 second=0");
}

#[test]
fn taking_a_routine_back_waits_until_it_has_returned() {
    assert_eq!(OBSERVED.line("unregistered"), "before=0 returned=1");
}
