//! One run of one driver: the machine it runs on, its image, and what is known of it so far.

use crate::binding::Binding;
use crate::devices::Made;
use crate::findings::Told;
use crate::freed::FreedBlocks;
use crate::level::PagedTouches;
use crate::loaded_image::LoadedImage;
use crate::locks::Locks;
use crate::lookasides::Lookasides;
use crate::loops::Loops;
use crate::memory;
use crate::order::Order;
use crate::reporter::Reporter;
use crate::secure::SecurePools;
use crate::stop::Stop;
use crate::strands::Strands;
use crate::system_objects::SystemObjects;
use crate::threads::Threads;
use crate::work::{Interrupts, OwnTimers, ProcessorCalls, WorkItems};
use ntpool_abi::KUserSharedData;
use ntpool_finding::{DebugLine, Message};
use ntpool_host::layout::SHARED_USER_DATA_SHADOW;
use ntpool_host::physical::{PhysicalMemory, PoolPlatform};
use ntpool_machine::dispatcher::Dispatcher;
use ntpool_machine::{Charge, Devices, Instant, ObjectName, Processes, Registry, SpinLocks};
use ntpool_pool::{Block, Place, Pool};
use ntpool_types::{ProcessorNumber, VirtualAddress, WindowsVersion};
use ntpool_verifier::{StackTable, Tracker};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The folder that the machine's Windows lies in, as a driver sees it.
pub(crate) const WINDOWS_FOLDER: &str = "C:\\Windows";

/// One run of one driver.
///
/// Everything is behind a shared reference, because driver code that calls the machine does so while the machine waits
/// for that same driver code to return.
pub struct Session {
    pub(crate) order: Order,
    pub(crate) reporter: Reporter,
    /// The session as threads have it.
    pub(crate) this: OnceCell<&'static Session>,
    pub(crate) dispatcher: RefCell<Dispatcher>,
    pub(crate) strands: Strands,
    /// The processor that the thread of Linux looks like.
    pub(crate) shown_processor: Cell<Option<ProcessorNumber>>,
    /// Whether the strand that loads drivers has been gone on with to finish the report.
    pub(crate) main_goes_on: Cell<bool>,
    /// Since when DriverEntry or the unload routine waits for something other than a time.
    pub(crate) step_waits_since: Cell<Option<Instant>>,
    pub(crate) step_delays: Cell<bool>,
    /// Whether nothing of the driver's is executed any more.
    pub(crate) ended: Cell<bool>,
    pub(crate) loops: Loops,
    pub(crate) own_timers: OwnTimers,
    pub(crate) work_items: WorkItems,
    /// The deferred procedure calls that were queued when the image went.
    pub(crate) queued_at_unload: RefCell<BTreeSet<VirtualAddress>>,
    pub(crate) interrupts: Interrupts,
    pub(crate) processor_calls: ProcessorCalls,
    pub(crate) spin_locks: SpinLocks,
    pub(crate) locks: Locks,
    pub(crate) devices: RefCell<Devices>,
    pub(crate) registry: RefCell<Registry>,
    pub(crate) processes: Processes,
    pub(crate) physical: Rc<PhysicalMemory>,
    pub(crate) pool: Pool<PoolPlatform>,
    pub(crate) freed: Rc<FreedBlocks>,
    pub(crate) tracker: RefCell<Tracker>,
    pub(crate) stacks: RefCell<StackTable>,
    /// The quota charged for each live block that is charged.
    pub(crate) charged: RefCell<BTreeMap<VirtualAddress, Charge>>,
    pub(crate) secure: RefCell<SecurePools>,
    pub(crate) paged_touches: PagedTouches,
    pub(crate) system_objects: RefCell<SystemObjects>,
    pub(crate) threads: Threads,
    pub(crate) devices_made: RefCell<Vec<Made<VirtualAddress>>>,
    pub(crate) links_made: RefCell<Vec<Made<ObjectName>>>,
    pub(crate) lookasides: Lookasides,
    pub(crate) version: WindowsVersion,
    /// What memory holds that nobody initialized.
    pub(crate) rubbish: u8,
    pub(crate) image: LoadedImage,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) thunks: VirtualAddress,
    /// The registry path's buffer, which is gone after DriverEntry.
    pub(crate) registry_path: Block,
    pub(crate) registry_path_freed: Cell<bool>,
    /// Why the innermost call into driver code was given up.
    pub(crate) stop: RefCell<Option<Stop>>,
    pub(crate) told: RefCell<Told>,
    /// The notes that were made about calls.
    pub(crate) noted: RefCell<BTreeSet<String>>,
}

impl Session {
    /// The moment that the machine's clock shows.
    pub(crate) fn now(&self) -> Instant {
        self.dispatcher.borrow().clock().now()
    }

    /// Passes on what the driver printed.
    pub(crate) fn print(&self, component: u32, level: u32, text: &[u8]) {
        let text = String::from_utf8_lossy(text).into_owned();
        let line = DebugLine { text, component, level, time: self.now().0 };
        self.reporter.send(&Message::Debug(line));
    }

    /// Writes the clock to the shared user data page.
    pub(crate) fn show_time(&self) {
        /// Units of 100 ns in a clock tick: 64 ticks a second.
        const UNITS_PER_TICK: u64 = 156_250;
        let (now, system_time) = {
            let dispatcher = self.dispatcher.borrow();
            (dispatcher.clock().now().0, dispatcher.clock().system_time())
        };
        let page = SHARED_USER_DATA_SHADOW;
        let times = [
            (KUserSharedData::INTERRUPT_TIME.offset(), now),
            (KUserSharedData::SYSTEM_TIME.offset(), system_time),
            (KUserSharedData::TICK_COUNT.offset(), now / UNITS_PER_TICK),
        ];
        for (offset, time) in times {
            // A time is its lower half, its upper half, and the upper half again.
            let at = VirtualAddress(page.0 + offset);
            let upper = VirtualAddress(at.0 + 8);
            memory::write(at, time)
                .and_then(|()| memory::write(upper, (time >> 32) as u32))
                .expect("the shared user data page is mapped for the whole run");
        }
    }

    /// The address of the routine at this place of the table of exports.
    pub(crate) fn routine_address(&self, place: usize) -> VirtualAddress {
        VirtualAddress(self.thunks.0 + (place * ntpool_host::fiber::THUNK_SIZE) as u64)
    }

    /// What lies at an address, as half a sentence.
    pub(crate) fn describe(&self, address: VirtualAddress) -> String {
        if address == VirtualAddress::NULL {
            return "NULL".to_owned();
        }
        if address.is_user() {
            return "a user address".to_owned();
        }
        if self.strands.stack_holding(address).is_some() {
            return "on a kernel stack".to_owned();
        }
        if let Some(offset) = self.image.offset_of(address) {
            let section = self.image.section_name(offset).unwrap_or("header");
            return format!("in the {section} section of {}", self.order.name);
        }
        if let Some((_, kind)) = self.system_objects.borrow().gone_at(address) {
            return format!("where a {} object was that is gone with its last reference", kind.label());
        }
        match self.pool.find(address) {
            Place::Live(block) => format!("in a live block of {}", block.size),
            Place::Freed(_) => "in a block that was freed".to_owned(),
            Place::Unused(kind) => format!("in {kind} pool where no block is"),
            Place::Metadata => "in the pool's own records".to_owned(),
            Place::Outside => "in no pool".to_owned(),
        }
    }
}
