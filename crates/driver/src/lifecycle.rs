//! The life of a driver: loaded, entered, unloaded, and looked at afterwards.

use crate::binding::{self, Binding, Bindings, Target};
use crate::exports;
use crate::findings::Draft;
use crate::freed::FreedBlocks;
use crate::level::PagedTouches;
use crate::loaded_image::LoadedImage;
use crate::locks::Locks;
use crate::lookasides::Lookasides;
use crate::loops::Loops;
use crate::memory;
use crate::objects;
use crate::order::Order;
use crate::reporter::Reporter;
use crate::schedule::SwitchTo;
use crate::secure::SecurePools;
use crate::session::{Session, WINDOWS_FOLDER};
use crate::strands::Strands;
use crate::system_objects::{SystemKind, SystemObject, SystemObjects};
use crate::threads::Threads;
use crate::work::{Interrupts, OwnTimers, ProcessorCalls, WorkItems};
use ntpool_abi::{
    DRVO_INITIALIZED, DRVO_LEGACY_DRIVER, DriverExtension, DriverObject, IO_TYPE_DRIVER, KUserSharedData,
    MAJOR_FUNCTION_COUNT, UnicodeString,
};
use ntpool_finding::{Hex, Limit, LimitKind, Message, Phase, Role, Status, TagUsage};
use ntpool_host::fiber;
use ntpool_host::layout::{self, SHARED_USER_DATA_SHADOW, SYSTEM_OBJECTS};
use ntpool_host::physical::{self, PhysicalMemory};
use ntpool_host::{HostError, arena, confine, processor_area, processors, ticks};
use ntpool_image::Image;
use ntpool_machine::dispatcher::{Dispatcher, ObjectKind, ThreadId, Timeout};
use ntpool_machine::{Devices, Fault, Fiber, Instant, Process, Processes, Registry, SpinLocks};
use ntpool_pool::{Block, TailModel};
use ntpool_types::{
    Bytes, Irql, NtStatus, PAGE_SIZE, PoolKind, ProcessorNumber, Rule, Tag, VirtualAddress, WindowsVersion,
};
use ntpool_verifier::{Allocation, StackTable, Tracker, rules};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// Where the system's objects lie.
pub(crate) const DRIVER_OBJECT: VirtualAddress = SYSTEM_OBJECTS.base;
const DRIVER_EXTENSION: VirtualAddress = VirtualAddress(SYSTEM_OBJECTS.base.0 + 0x200);
const DRIVER_NAME: VirtualAddress = VirtualAddress(SYSTEM_OBJECTS.base.0 + 0x400);
/// Reserved for variables that drivers import, and what these point to.
const DATA_EXPORTS: VirtualAddress = VirtualAddress(SYSTEM_OBJECTS.base.0 + 0x3000);
/// The idle threads' objects, one behind the other.
const IDLE_THREADS: VirtualAddress = VirtualAddress(SYSTEM_OBJECTS.base.0 + 0x1_4000);
const IDLE_THREAD_SIZE: u64 = 0x200;
const THREAD_OBJECT: VirtualAddress = VirtualAddress(SYSTEM_OBJECTS.base.0 + 0x1000);
const PROCESS_OBJECT: VirtualAddress = VirtualAddress(SYSTEM_OBJECTS.base.0 + 0x2000);
/// The registry path has pages of its own, so that a use after it is gone is noticed at once.
const REGISTRY_PATH: VirtualAddress = VirtualAddress(SYSTEM_OBJECTS.base.0 + 0x1_0000);

/// The longest driver name that a registry path has room for.
const LONGEST_NAME: usize = 255;

/// The number of the system process.
const SYSTEM_PROCESS_ID: u64 = 4;

/// Where import thunks lie, behind every image there can be.
const THUNKS: VirtualAddress = VirtualAddress(layout::IMAGES.base.0 + layout::IMAGES.size.0 / 2);

/// A well-mixed value from the seed, a different one for each purpose.
pub(crate) fn derived(seed: u64, purpose: u64) -> u64 {
    // SplitMix64 (Steele, Lea and Flood 2014).
    let mut z = seed.wrapping_add(purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Builds the machine, loads the image and binds its imports.
///
/// # Errors
/// When Linux does not provide what the machine needs.
pub(crate) fn prepare(order: Order, image: Image, reporter: Reporter) -> Result<Session, HostError> {
    arena::reserve()?;
    let physical = Rc::new(PhysicalMemory::new(Bytes(order.memory))?);
    let version = WindowsVersion::from_build(order.windows_build).ok_or_else(|| {
        HostError::plain(format!("be Windows build {}: no version that is known", order.windows_build))
    })?;
    let tail = if order.waste_tails { TailModel::Waste } else { TailModel::Reuse };
    let rubbish = 0x81 + (derived(order.seed, 1) % 0x7C) as u8;
    let freed = Rc::new(FreedBlocks::new(rubbish));
    let pool = physical::new_pool(&physical, version, tail, Rc::clone(&freed) as _)?;
    processor_area::prepare(order.processors)?;
    let (dispatcher, main) = dispatcher_for(&order);
    let strands = Strands::new(&physical, main)?;
    let image = LoadedImage::load(image, &order.name, layout::IMAGES.base, &physical)?;
    if image.end() > THUNKS {
        return Err(HostError::plain("load the image: it reaches into the import thunks"));
    }
    let Bindings { bindings, targets } = binding::bind(&image.image, version);
    fiber::place_thunks(THUNKS, u32::try_from(bindings.len()).unwrap_or(u32::MAX))?;
    // For paged and for nonpaged pool each.
    let quota = Bytes(order.memory / 8 * 3);
    let registry_path = Block {
        address: REGISTRY_PATH,
        size: Bytes(UnicodeString::SIZE + 2 * registry_path(&order.name).len() as u64),
        kind: PoolKind::Paged,
        tag: Tag::from_text(*b"RegP"),
    };
    let registry = Registry::with_service(&service_name(&order.name), &order.name);
    let session = Session {
        rubbish,
        order,
        reporter,
        this: OnceCell::new(),
        dispatcher: RefCell::new(dispatcher),
        strands,
        shown_processor: Cell::new(None),
        main_goes_on: Cell::new(false),
        step_waits_since: Cell::new(None),
        step_delays: Cell::new(false),
        ended: Cell::new(false),
        loops: Loops::default(),
        own_timers: OwnTimers::default(),
        work_items: WorkItems::default(),
        queued_at_unload: RefCell::default(),
        interrupts: Interrupts::default(),
        processor_calls: ProcessorCalls::default(),
        spin_locks: SpinLocks::default(),
        locks: Locks::default(),
        devices: RefCell::new(Devices::default()),
        registry: RefCell::new(registry),
        processes: Processes::new(Process::new(PROCESS_OBJECT, SYSTEM_PROCESS_ID, quota)),
        physical,
        pool,
        freed,
        tracker: RefCell::new(Tracker::new()),
        stacks: RefCell::new(StackTable::new()),
        charged: RefCell::new(BTreeMap::new()),
        secure: RefCell::new(SecurePools::default()),
        paged_touches: PagedTouches::default(),
        system_objects: RefCell::new(systems_own_objects()),
        threads: Threads::default(),
        devices_made: RefCell::new(Vec::new()),
        links_made: RefCell::new(Vec::new()),
        lookasides: Lookasides::default(),
        version,
        image,
        bindings,
        thunks: THUNKS,
        registry_path,
        registry_path_freed: Cell::new(false),
        stop: RefCell::new(None),
        told: RefCell::new(BTreeMap::new()),
        noted: RefCell::new(BTreeSet::new()),
    };
    session
        .fill_in(&targets)
        .map_err(|fault| HostError::plain(format!("write the driver's surroundings at {}", fault.address)))?;
    session.image.protect(&session.physical)?;
    Ok(session)
}

/// The driver's name without its ending, as its service is called.
fn service_name(file_name: &str) -> String {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    stem.chars().take(LONGEST_NAME).collect()
}

/// The path of the driver's registry key, terminated (MACH-060).
fn registry_path(file_name: &str) -> Vec<u16> {
    let path =
        format!("\\Registry\\Machine\\System\\CurrentControlSet\\Services\\{}\0", service_name(file_name));
    path.encode_utf16().collect()
}

impl Session {
    /// Writes what the driver finds around it: imports, cookie, its driver object, the registry path, system data.
    fn fill_in(&self, targets: &[Target]) -> Result<(), Fault> {
        for (import, &target) in self.image.image.imports().iter().zip(targets) {
            let slot = VirtualAddress(self.image.base.0 + u64::from(import.slot));
            let address = match target {
                Target::Routine(place) => self.routine_address(place),
                Target::Variable(place) => exports::variable(DATA_EXPORTS, place),
            };
            memory::write(slot, address.0)?;
        }
        if let Some(cookie) = self.image.image.security_cookie() {
            // The upper 16 bits are zero, so that a string copied over it stops there.
            let value = derived(self.order.seed, 2) & 0xFFFF_FFFF_FFFF | 1;
            memory::write(VirtualAddress(self.image.base.0 + u64::from(cookie)), value)?;
        }
        self.fill_in_driver_object()?;
        self.fill_in_thread_objects()?;
        exports::fill_in_data(self, DATA_EXPORTS)?;
        let path = registry_path(&self.order.name);
        let buffer = VirtualAddress(REGISTRY_PATH.0 + UnicodeString::SIZE);
        memory::write_units(buffer, &path)?;
        memory::write(REGISTRY_PATH, counted(&path, buffer))?;
        self.fill_in_shared_data()
    }

    fn fill_in_driver_object(&self) -> Result<(), Fault> {
        let name: Vec<u16> =
            format!("\\Driver\\{}\0", service_name(&self.order.name)).encode_utf16().collect();
        memory::write_units(DRIVER_NAME, &name)?;
        let invalid_request = self.invalid_request_address().0;
        memory::write_field(DRIVER_OBJECT, DriverObject::TYPE, IO_TYPE_DRIVER)?;
        memory::write_field(DRIVER_OBJECT, DriverObject::SIZE_OF_OBJECT, DriverObject::SIZE as i16)?;
        memory::write_field(DRIVER_OBJECT, DriverObject::FLAGS, DRVO_LEGACY_DRIVER)?;
        memory::write_field(DRIVER_OBJECT, DriverObject::DRIVER_START, self.image.base.0)?;
        let size = self.image.image.size_of_image().0 as u32;
        memory::write_field(DRIVER_OBJECT, DriverObject::DRIVER_SIZE, size)?;
        memory::write_field(DRIVER_OBJECT, DriverObject::DRIVER_EXTENSION, DRIVER_EXTENSION.0)?;
        memory::write_field(DRIVER_OBJECT, DriverObject::DRIVER_NAME, counted(&name, DRIVER_NAME))?;
        memory::write_field(DRIVER_OBJECT, DriverObject::DRIVER_INIT, self.image.entry_point().0)?;
        let table = [invalid_request; MAJOR_FUNCTION_COUNT];
        memory::write_field(DRIVER_OBJECT, DriverObject::MAJOR_FUNCTION, table)?;
        memory::write_field(DRIVER_EXTENSION, DriverExtension::DRIVER_OBJECT, DRIVER_OBJECT.0)?;
        let prefix = "\\Driver\\".len();
        let service = VirtualAddress(DRIVER_NAME.0 + 2 * prefix as u64);
        memory::write_field(
            DRIVER_EXTENSION,
            DriverExtension::SERVICE_KEY_NAME,
            counted(&name[prefix..], service),
        )
    }

    fn fill_in_thread_objects(&self) -> Result<(), Fault> {
        let threads: Vec<(ThreadId, VirtualAddress)> =
            self.dispatcher.borrow().threads().map(|(id, thread)| (id, thread.object())).collect();
        for (thread, object) in threads {
            objects::write_header(object, ObjectKind::Thread(thread), 0, 0)?;
        }
        Ok(())
    }

    /// The address of the routine that fails requests nobody handles (MACH-079).
    fn invalid_request_address(&self) -> VirtualAddress {
        let place = self.bindings.iter().position(|binding| matches!(binding, Binding::InvalidRequest));
        self.routine_address(place.expect("every driver's bindings end with it"))
    }

    fn fill_in_shared_data(&self) -> Result<(), Fault> {
        let page = SHARED_USER_DATA_SHADOW;
        memory::write_field(page, KUserSharedData::TICK_COUNT_MULTIPLIER, TICK_COUNT_MULTIPLIER)?;
        memory::write_field(page, KUserSharedData::NT_MAJOR_VERSION, self.version.major)?;
        memory::write_field(page, KUserSharedData::NT_MINOR_VERSION, self.version.minor)?;
        memory::write_field(page, KUserSharedData::NT_BUILD_NUMBER, self.version.build)?;
        let root: Vec<u16> = WINDOWS_FOLDER.encode_utf16().collect();
        memory::write_units(VirtualAddress(KUserSharedData::NT_SYSTEM_ROOT.address_in(page.0)), &root)?;
        self.show_time();
        Ok(())
    }

    /// Enters the driver, unloads it, and reports everything on the way.
    pub(crate) fn run(&self, fiber: &dyn Fiber) -> Result<(), HostError> {
        self.note_what_may_not_repeat();
        if let Some(status) = self.enter(fiber) {
            self.registry_path_freed.set(true);
            arena::unmap(REGISTRY_PATH, PAGE_SIZE)?;
            if status.is_success() {
                self.image.discard_initialization(&self.physical)?;
                if self.leave_alone(rest_before_unload(self.order.seed)) {
                    self.unload(fiber)?;
                }
            } else {
                self.fail_entry(status)?;
            }
        }
        self.finish();
        Ok(())
    }

    /// Calls DriverEntry; `None` when it did not return.
    fn enter(&self, fiber: &dyn Fiber) -> Option<NtStatus> {
        self.set_phase(Phase::DriverEntry);
        self.reporter.send(&Message::Entering);
        let exit = fiber.call(self.image.entry_point(), &[DRIVER_OBJECT.0, REGISTRY_PATH.0]);
        // A request to stop that came too late is not meant for what comes next.
        fiber::take_interrupt();
        let status = NtStatus(self.outcome_of(exit)? as u32);
        self.settle("DriverEntry");
        if !self.is_left_in_order("DriverEntry", self.image.entry_point(), [0; 2]) {
            return None;
        }
        self.reporter.send(&Message::Entered(Status {
            value: Hex(u64::from(status.0)),
            name: status.name().map(str::to_owned),
            success: status.is_success(),
        }));
        if status.is_success() {
            self.finish_devices();
            for device in self.device_records() {
                self.reporter.send(&Message::Device(device));
            }
        }
        Some(status)
    }

    /// Lets threads, timers and calls of the driver's go on for a time while the system wants nothing of it; whether the
    /// run goes on afterwards.
    fn leave_alone(&self, time: Timeout) -> bool {
        if !self.has_others() {
            return true;
        }
        let before = self.phase();
        self.set_phase(Phase::Idle);
        let goes_on = self.delay(time, false).is_ok();
        self.set_phase(before);
        goes_on
    }

    /// Calls the unload routine, if there is one, and reports what is left (MACH-065).
    fn unload(&self, fiber: &dyn Fiber) -> Result<(), HostError> {
        let read = memory::read_field(DRIVER_OBJECT, DriverObject::DRIVER_UNLOAD);
        let Ok(routine @ 1..) = read else {
            let note =
                "the driver has no unload routine, so it stays; what it holds is not counted as left behind";
            self.reporter.send(&Message::Note(note.to_owned()));
            return Ok(());
        };
        let _ =
            memory::write_field(DRIVER_OBJECT, DriverObject::FLAGS, DRVO_LEGACY_DRIVER | DRVO_INITIALIZED);
        self.set_phase(Phase::Unload);
        self.reporter.send(&Message::Unloading);
        let exit = fiber.call(VirtualAddress(routine), &[DRIVER_OBJECT.0]);
        fiber::take_interrupt();
        if self.outcome_of(exit).is_some() {
            self.settle("the unload routine");
            if !self.is_left_in_order("the unload routine", VirtualAddress(routine), [0; 2]) {
                return Ok(());
            }
            self.reporter.send(&Message::Unloaded);
            self.report_left()?;
        }
        Ok(())
    }

    /// After a DriverEntry that failed: no unload routine is called, and nothing may be left (MACH-062, MACH-064).
    fn fail_entry(&self, status: NtStatus) -> Result<(), HostError> {
        let message = format!(
            "DriverEntry failed with {status}, so nothing else of the driver was exercised; \
             see what it printed and what it needs"
        );
        self.reporter.send(&Message::Limit(Limit {
            kind: LimitKind::EntryFailed,
            message,
            stacks: Vec::new(),
        }));
        self.report_left()
    }

    /// Puts the machine's state in order when a routine has returned: an IRQL or a lock that it did not put back is
    /// reported and put back.
    pub(crate) fn settle(&self, routine: &str) {
        self.open_paged_pool();
        let irql = self.irql();
        if irql != Irql::PASSIVE {
            let message = format!("{routine} was called at {} and returned at {irql}", Irql::PASSIVE);
            self.report_afterwards(Rule::IrqlNotRestored, &message, Vec::new());
            self.set_irql(Irql::PASSIVE);
        }
        self.settle_locks(routine, self.thread());
    }

    /// Takes the image away and reports the lists, blocks, devices and links that are still there.
    fn report_left(&self) -> Result<(), HostError> {
        self.set_phase(Phase::AfterUnload);
        self.report_lookasides_left();
        self.report_threads_left();
        self.report_locks_left();
        if !self.await_device_work() {
            return Ok(());
        }
        let left = self.scheduled_by_driver();
        let queued = self.dispatcher().queued_dpcs().collect();
        self.queued_at_unload.replace(queued);
        self.image.unload(&self.physical)?;
        // Whatever the driver left running now meets code that is gone.
        if !self.leave_alone(REST_AFTER_UNLOAD) {
            return Ok(());
        }
        self.report_scheduled_left(&left);
        self.report_overruns_left();
        self.report_late_writes_left();
        let leaks = self.tracker.borrow().leaks();
        let count = leaks.iter().map(|leak| leak.count).sum();
        let bug_check = rules::leak_stop(DRIVER_NAME, count);
        for leak in &leaks {
            self.report_leak(leak, bug_check);
        }
        self.report_devices_left();
        self.report_references_left();
        self.report_secure_pools_left();
        self.report_quota_left();
        Ok(())
    }

    /// Reports what was written behind blocks that are left behind.
    fn report_overruns_left(&self) {
        let blocks: Vec<Allocation> = self.tracker.borrow().live_blocks().copied().collect();
        for Allocation { address, size, kind, tag, stack, .. } in blocks {
            if self.secure.borrow().holding(address).is_some() {
                continue;
            }
            if let Some(written) = self.written_slack(address, size) {
                let stop = rules::overrun(address, size, written.found).bug_check;
                let stacks = vec![self.stack(Role::Allocated, stack)];
                let block = Block { address, size, kind, tag };
                self.tell(
                    Draft::new(Rule::PoolOverrun, Some(stop), written.to_string())
                        .about(Some(&block))
                        .explained_by(stacks),
                );
            }
        }
    }

    /// Reports quota that the driver charged by itself and did not return.
    fn report_quota_left(&self) {
        for process in self.processes.iter() {
            for (kind, pool) in [(PoolKind::NonPaged, "nonpaged"), (PoolKind::Paged, "paged")] {
                let left = process.charged_by_hand(kind);
                if left > Bytes::ZERO {
                    let message = format!(
                        "{left} of {pool} pool quota were charged to process {} and not returned",
                        process.id()
                    );
                    self.report_afterwards(Rule::PoolQuotaLeft, &message, Vec::new());
                }
            }
        }
    }

    /// Sends the switches that led here, as far as there is room, so that the parent can leave out those that do not matter.
    fn send_schedule(&self) {
        /// More than anybody would look at one by one.
        const MOST: usize = 100_000;
        const IN_A_PACKET: usize = 2000;
        let dispatcher = self.dispatcher.borrow();
        let schedule = dispatcher.schedule();
        self.reporter.send(&Message::Choices(schedule.choices()));
        let switches: Vec<[u64; 3]> = schedule
            .switches()
            .iter()
            .take(MOST)
            .map(|&switch| {
                let SwitchTo { step, processor, thread } = switch.into();
                [step, processor.into(), thread.into()]
            })
            .collect();
        for switches in switches.chunks(IN_A_PACKET) {
            self.reporter.send(&Message::Switches(switches.to_vec()));
        }
    }

    /// Sends the table of tags and whatever else is known at the end.
    fn finish(&self) {
        // A driver that stays, or that was stopped, has not been asked yet.
        self.report_late_writes_left();
        self.note_repetitions();
        let mut rows = Vec::new();
        self.pool.for_each_tag(|count| {
            rows.push(TagUsage {
                tag: count.tag.to_string(),
                kind: count.kind.to_string(),
                allocations: count.allocations,
                frees: count.frees,
                bytes: count.bytes.0,
            });
        });
        rows.sort_by(|one, other| (&one.tag, &one.kind).cmp(&(&other.tag, &other.kind)));
        for row in rows {
            self.reporter.send(&Message::Tag(row));
        }
        self.reporter.send(&Message::StackUsed(self.strands.deepest_use()));
        self.send_schedule();
        self.reporter.send(&Message::Finished);
    }
}

/// Milliseconds in a tick, with 24 bits behind the point: 64 ticks a second.
const TICK_COUNT_MULTIPLIER: u32 = (1000 << 24) / 64;

/// A counted string of terminated characters.
fn counted(units: &[u16], buffer: VirtualAddress) -> UnicodeString {
    let maximum = 2 * units.len() as u16;
    UnicodeString::new(maximum - 2, maximum, buffer.0)
}

/// A dispatcher on which the thread that loads and unloads drivers runs.
fn dispatcher_for(order: &Order) -> (Dispatcher, ThreadId) {
    /// The priority of the system's worker threads that load drivers.
    const PRIORITY: u8 = 13;
    let schedule = order.schedule.strategy(order.seed);
    let mut dispatcher = Dispatcher::new(order.processors, schedule);
    for number in 0..order.processors {
        let idle = dispatcher.idle_thread(ProcessorNumber(number as u16));
        let object = VirtualAddress(IDLE_THREADS.0 + u64::from(number) * IDLE_THREAD_SIZE);
        dispatcher.set_thread_object(idle, object);
    }
    let main = dispatcher.create_thread(THREAD_OBJECT, PRIORITY, u64::MAX);
    while dispatcher.boundary() != main {}
    (dispatcher, main)
}

/// The objects that are there before the driver is.
fn systems_own_objects() -> SystemObjects {
    let mut objects = SystemObjects::default();
    objects.add(THREAD_OBJECT, SystemObject::needed(SystemKind::Thread));
    objects.add(PROCESS_OBJECT, SystemObject::needed(SystemKind::Process));
    objects.add(DRIVER_OBJECT, SystemObject::needed(SystemKind::Driver));
    objects
}

/// How long a driver is left alone between DriverEntry and the unload routine. The seed decides, because what goes wrong
/// may need a certain moment: a second, 50 milliseconds, one, or no time at all.
fn rest_before_unload(seed: u64) -> Timeout {
    let milliseconds = match seed % 4 {
        1 => 1000,
        2 => 50,
        3 => 1,
        _ => 0,
    };
    Timeout::Relative(milliseconds * Instant::PER_MILLISECOND)
}

/// How long what is left of a driver is watched when its image is gone.
const REST_AFTER_UNLOAD: Timeout = Timeout::Relative(1000 * Instant::PER_MILLISECOND);

/// How often the host's clock ticks, in processor time.
const TICK: Duration = Duration::from_millis(10);

/// Runs the driver with the process confined.
pub(crate) fn run_confined(session: &'static Session) -> Result<(), HostError> {
    let _ = session.this.set(session);
    processor_area::become_processor(session.processor_number(), session.thread_object())?;
    ticks::start(TICK)?;
    if session.is_free() {
        processors::start(session, session.order.processors, Session::run_processor)?;
    }
    confine::confine(session.reporter.channel())?;
    if session.is_free() {
        processors::open();
    }
    session.run(&session.strands.main().fiber.served_by(session))
}
