//! A Windows driver on the machine: its imports bound, its routines called, its deeds reported.
//!
//! [`run_as_child`] is the child process's whole life: it takes an [`Order`] from its channel, builds a machine, loads
//! the image, calls DriverEntry and the unload routine, and sends everything it finds to its parent at once.
//!
//! Data flows one way: a driver's call comes in through a thunk ([`exports`] says what it means), the routine works on
//! the session, and findings leave through the channel. Nothing here prints or resolves symbols.
//!
//! Names as NT spells them appear only in [`exports`].
#![forbid(unsafe_code)]

mod allocations;
mod binding;
mod call;
mod contiguous;
mod devices;
mod dispatch_crimes;
mod endings;
#[cfg_attr(not(test), expect(dead_code, reason = "no run uses the engine yet"))]
mod exceptions;
pub mod exports;
mod fiber_exceptions;
mod findings;
mod free_running;
mod freed;
mod gone;
mod level;
mod lifecycle;
mod loaded_image;
mod locks;
mod lookasides;
mod loops;
mod memory;
mod objects;
mod order;
mod placement;
mod references;
mod repeatability;
mod reporter;
mod running;
mod schedule;
mod secure;
mod serve;
mod session;
mod slack;
mod slist;
mod spin;
mod stop;
mod strands;
mod stuck;
mod system_blocks;
mod system_objects;
mod text;
mod threads;
mod time;
mod trap_words;
mod work;

pub use call::Call;
pub use exceptions::{FullContext, Reason, Unhandled, Unwinding};
pub use ntpool_pool::TailModel;
pub use ntpool_verifier::rules::TagPolicy;
pub use order::Order;
pub use reporter::PARENT_GONE;
pub use schedule::{Schedule, ScheduleError, SwitchTo};
pub use session::Session;
pub use stop::{Answer, Stop};

use ntpool_host::channel::Received;
use ntpool_host::child::{self, Inheritance};
use ntpool_host::{HostError, trap};
use ntpool_image::Image;
use reporter::Reporter;
use std::time::{Duration, Instant};

/// The status with which a child leaves that has done what it was told.
const DONE: i32 = 0;

/// How long the child waits for its order.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the driver that this child was given, and ends the process.
pub fn run_as_child(inheritance: Inheritance) -> ! {
    let reporter = Reporter::new(inheritance.channel);
    reporter.own_up_to_panics();
    match run(inheritance.image, reporter) {
        Ok(()) => child::leave(DONE),
        Err(error) => reporter.give_up(&error),
    }
}

fn run(image: Vec<u8>, reporter: Reporter) -> Result<(), HostError> {
    let order = receive_order(reporter)?;
    let image = Image::parse(image).map_err(|error| HostError::plain(format!("load the image: {error}")))?;
    trap::install(reporter::ANNOUNCE_CRASH)?;
    let session = lifecycle::prepare(order, image, reporter)?;
    lifecycle::run_confined(Box::leak(Box::new(session)))
}

fn receive_order(reporter: Reporter) -> Result<Order, HostError> {
    let start = Instant::now();
    loop {
        match reporter.channel().receive(PATIENCE)? {
            Received::Packet(packet) => {
                return serde_json::from_slice(&packet)
                    .map_err(|error| HostError::plain(format!("understand what to run: {error}")));
            }
            // A signal may have come between.
            Received::Nothing if start.elapsed() < PATIENCE => {}
            Received::Nothing | Received::Closed => {
                return Err(HostError::plain("learn what to run: nobody said"));
            }
        }
    }
}
