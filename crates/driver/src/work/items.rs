//! Work items: routines that a driver has a system thread call at PASSIVE_LEVEL.
//!
//! Those of the executive are a structure of the driver's; those of the I/O manager are the system's, belong to a device
//! or driver object, and keep it while they are queued (MACH-165). Either is taken out of its queue before its routine is
//! called, so the routine may queue it again or free it (MACH-164).

use super::workers::IdleWorker;
use crate::call::Call;
use crate::findings::Draft;
use crate::lifecycle::DRIVER_OBJECT;
use crate::memory;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_abi::{
    BACKGROUND_WORK_QUEUE, CRITICAL_WORK_QUEUE, CUSTOM_PRIORITY_WORK_QUEUE, HYPER_CRITICAL_WORK_QUEUE,
    NORMAL_WORK_QUEUE, REAL_TIME_WORK_QUEUE, SUPER_CRITICAL_WORK_QUEUE, WorkQueueItem,
};
use ntpool_machine::Instant;
use ntpool_machine::dispatcher::{HIGHEST_PRIORITY, NotAnObject, Timeout};
use ntpool_types::{BugCheck, BugCheckCode, Bytes, Rule, Tag, Violation, VirtualAddress};
use ntpool_verifier::StackId;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// The bytes of a work item of the I/O manager's, whose layout is its own.
pub(crate) const IO_ITEM_SIZE: Bytes = Bytes(0x58);
const IO_ITEM_TAG: Tag = Tag::from_text(*b"Work");

/// How long a driver's image stays for work that keeps one of its devices.
const LONGEST_DEVICE_WORK: u64 = 10_000 * Instant::PER_MILLISECOND;

/// What to call for a work item of the I/O manager's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceWork {
    pub(crate) routine: VirtualAddress,
    pub(crate) context: u64,
    /// Whether the routine is told its work item too.
    pub(crate) extended: bool,
}

/// Something in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    pub(super) item: VirtualAddress,
    queue: u32,
    /// What to call and what it keeps; `None` for an item of the executive's, which says it itself.
    io: Option<(DeviceWork, VirtualAddress)>,
}

/// A work item that has been taken out of its queue.
#[derive(Clone, Debug)]
pub(super) struct Started {
    pub(super) routine: VirtualAddress,
    pub(super) arguments: Vec<u64>,
    pub(super) parameter: u64,
}

/// A work item of the I/O manager's.
#[derive(Clone, Copy, Debug)]
struct DeviceItem {
    object: VirtualAddress,
    made: StackId,
    /// Whether the system's memory holds it.
    allocated: bool,
}

/// All work items.
#[derive(Debug, Default)]
pub(crate) struct WorkItems {
    queues: RefCell<BTreeMap<u8, VecDeque<Queued>>>,
    io: RefCell<BTreeMap<VirtualAddress, DeviceItem>>,
    /// How many queued or running items keep an object.
    keepers: RefCell<BTreeMap<VirtualAddress, u32>>,
    /// Devices to be deleted when nothing keeps them any more, with where that was asked for.
    deletions: RefCell<BTreeMap<VirtualAddress, StackId>>,
    pub(super) idle: RefCell<Vec<IdleWorker>>,
    /// How many worker threads of each priority there are.
    pub(super) workers: RefCell<BTreeMap<u8, u32>>,
}

impl WorkItems {
    /// The first item of this priority, which is queued no longer.
    pub(super) fn take(&self, priority: u8) -> Option<Queued> {
        self.queues.borrow_mut().get_mut(&priority)?.pop_front()
    }

    fn find(&self, item: VirtualAddress) -> Option<Queued> {
        self.queues.borrow().values().flatten().copied().find(|queued| queued.item == item)
    }

    fn remove(&self, item: VirtualAddress) {
        self.queues.borrow_mut().values_mut().for_each(|queue| queue.retain(|queued| queued.item != item));
    }

    fn is_kept(&self, object: VirtualAddress) -> bool {
        self.keepers.borrow().contains_key(&object)
    }

    fn keep(&self, object: VirtualAddress) {
        *self.keepers.borrow_mut().entry(object).or_default() += 1;
    }

    /// Whether that was the last one that kept the object.
    fn let_go(&self, object: VirtualAddress) -> bool {
        let mut keepers = self.keepers.borrow_mut();
        let count = keepers.get_mut(&object).expect("what is let go was kept");
        *count -= 1;
        let last = *count == 0;
        if last {
            keepers.remove(&object);
        }
        last
    }

    /// Forgets the items in a range of memory, and returns those that were queued.
    pub(super) fn forget(&self, start: VirtualAddress, end: VirtualAddress) -> Vec<VirtualAddress> {
        self.io.borrow_mut().retain(|item, _| !(start..end).contains(item));
        let mut forgotten = Vec::new();
        for queue in self.queues.borrow_mut().values_mut() {
            let is_in = |queued: &&Queued| (start..end).contains(&queued.item);
            forgotten.extend(queue.iter().filter(is_in).copied());
            queue.retain(|queued| !is_in(&queued));
        }
        for (_, object) in forgotten.iter().filter_map(|queued| queued.io) {
            self.let_go(object);
        }
        forgotten.into_iter().map(|queued| queued.item).collect()
    }

    /// The items of the executive's that are queued.
    pub(super) fn queued(&self) -> Vec<VirtualAddress> {
        let queues = self.queues.borrow();
        queues.values().flatten().filter(|queued| queued.io.is_none()).map(|queued| queued.item).collect()
    }

    /// The items of the I/O manager's that were not freed, each with where it was made.
    pub(super) fn io_items(&self) -> Vec<(VirtualAddress, StackId)> {
        self.io.borrow().iter().map(|(&item, io)| (item, io.made)).collect()
    }
}

/// The priority of the threads that serve a queue.
fn priority_of(queue: u32) -> u8 {
    match queue {
        CRITICAL_WORK_QUEUE => 13,
        HYPER_CRITICAL_WORK_QUEUE => 15,
        NORMAL_WORK_QUEUE => 8,
        BACKGROUND_WORK_QUEUE => 7,
        REAL_TIME_WORK_QUEUE => 18,
        SUPER_CRITICAL_WORK_QUEUE => 14,
        custom if custom >= CUSTOM_PRIORITY_WORK_QUEUE => {
            (custom - CUSTOM_PRIORITY_WORK_QUEUE).clamp(1, u32::from(HIGHEST_PRIORITY)) as u8
        }
        _ => 12,
    }
}

fn invalid(rule: Rule, parameters: [u64; 4], message: String) -> Stop {
    let bug_check = BugCheck::new(BugCheckCode::WORKER_INVALID, parameters);
    Stop::Crime { violation: Violation { rule, bug_check, subject: VirtualAddress(parameters[1]) }, message }
}

impl Session {
    fn enqueue(&self, queued: Queued) -> Result<(), Stop> {
        let Queued { item, queue, io } = queued;
        if self.work_items.find(item).is_some() {
            return Err(invalid(
                Rule::WorkItemQueuedTwice,
                [1, item.0, u64::from(queue), 0],
                format!("the work item at {item} was queued, and is in a queue already"),
            ));
        }
        if let Some((_, object)) = io {
            self.work_items.keep(object);
        }
        let priority = priority_of(queue);
        self.work_items.queues.borrow_mut().entry(priority).or_default().push_back(queued);
        self.employ_worker(priority)
    }

    /// Queues a work item of the executive's.
    ///
    /// # Errors
    /// When it is queued already, or can't be written.
    pub(crate) fn queue_work_item(&self, item: VirtualAddress, queue: u32) -> Result<(), Stop> {
        let list = memory::read_field(item, WorkQueueItem::LIST)?;
        if list.flink != 0 && self.work_items.find(item).is_none() {
            return Err(invalid(
                Rule::ObjectNotInitialized,
                [1, item.0, u64::from(queue), 0],
                format!("no work item was initialized at {item}"),
            ));
        }
        self.enqueue(Queued { item, queue, io: None })?;
        let links = WorkQueueItem::LIST.address_in(item.0);
        memory::write(VirtualAddress(links), [links; 2])?;
        Ok(())
    }

    /// Takes a work item out of its queue; what to call, or nothing when the machine forgot it meanwhile.
    pub(super) fn start_item(&self, queued: &Queued) -> Result<Option<Started>, Stop> {
        let item = queued.item;
        if let Some((DeviceWork { routine, context, extended }, object)) = queued.io {
            let mut arguments = vec![object.0, context];
            arguments.extend(extended.then_some(item.0));
            return Ok(Some(Started { routine, arguments, parameter: context }));
        }
        if self.image.has_left(item) {
            let what = format!("the work item at {item}");
            return Err(self.stop_for_gone_object(Rule::WorkItemLeft, item, &what));
        }
        let list = memory::read_field(item, WorkQueueItem::LIST)?;
        let routine: u64 = memory::read_field(item, WorkQueueItem::WORKER_ROUTINE)?;
        let parameter: u64 = memory::read_field(item, WorkQueueItem::PARAMETER)?;
        if list.flink == 0 || list.blink == 0 {
            let bug_check = BugCheck::new(BugCheckCode::INVALID_WORK_QUEUE_ITEM, [item.0, 0, 0, routine]);
            let message = format!(
                "the work item at {item} has NULL links, and it is queued: it was initialized again, or overwritten"
            );
            self.tell(Draft::new(Rule::WorkItemBadLinks, Some(bug_check), message));
            return Err(Stop::Ended);
        }
        memory::write(VirtualAddress(WorkQueueItem::LIST.address_in(item.0)), 0_u64)?;
        Ok(Some(Started { routine: VirtualAddress(routine), arguments: vec![parameter], parameter }))
    }

    /// A work item's routine has returned. The item itself may be gone.
    pub(super) fn finish_item(&self, queued: &Queued) -> Result<(), Stop> {
        let Some((_, object)) = queued.io else { return Ok(()) };
        if self.work_items.let_go(object) {
            let deletion = self.work_items.deletions.borrow_mut().remove(&object);
            if let Some(at) = deletion {
                return self.finish_deleting_device(object, at);
            }
        }
        Ok(())
    }

    // ── Those of the I/O manager ─────────────────────────────────────────────────────────────────────────────────

    /// Makes the memory at `item` a work item of this device or driver object.
    ///
    /// # Errors
    /// When the object is neither.
    pub(crate) fn initialize_io_item(
        &self,
        call: &Call<'_>,
        object: VirtualAddress,
        item: VirtualAddress,
        allocated: bool,
    ) -> Result<(), Stop> {
        let is_known =
            object == DRIVER_OBJECT || self.devices.borrow().iter().any(|device| device.object == object);
        if !is_known {
            return Err(invalid(
                Rule::WorkItemBadObject,
                [3, item.0, object.0, 0],
                format!(
                    "a work item was made for {object}, which is no device or driver object but {}",
                    self.describe(object)
                ),
            ));
        }
        let made = self.intern(&self.trace(call.registers()));
        self.work_items.io.borrow_mut().insert(item, DeviceItem { object, made, allocated });
        Ok(())
    }

    /// Makes a work item in the system's memory; nothing when there is none.
    ///
    /// # Errors
    /// When the object is no device or driver object.
    pub(crate) fn allocate_io_item(
        &self,
        call: &Call<'_>,
        object: VirtualAddress,
    ) -> Result<Option<VirtualAddress>, Stop> {
        let Some(item) = self.make_system_block(IO_ITEM_SIZE, IO_ITEM_TAG) else { return Ok(None) };
        self.initialize_io_item(call, object, item, true)?;
        Ok(Some(item))
    }

    fn io_item(&self, item: VirtualAddress) -> Result<DeviceItem, Stop> {
        let known = self.work_items.io.borrow().get(&item).copied();
        known.ok_or_else(|| self.stop_for_missing(&NotAnObject(item)))
    }

    /// Queues a work item of the I/O manager's.
    ///
    /// # Errors
    /// When it is none, or is queued already.
    pub(crate) fn queue_io_item(
        &self,
        item: VirtualAddress,
        queue: u32,
        work: DeviceWork,
    ) -> Result<(), Stop> {
        let object = self.io_item(item)?.object;
        self.enqueue(Queued { item, queue, io: Some((work, object)) })
    }

    /// Ends a work item's life: its memory is the driver's again, or freed.
    ///
    /// # Errors
    /// When it is none, or the driver freed the system's memory.
    pub(crate) fn end_io_item(&self, call: &Call<'_>, item: VirtualAddress) -> Result<(), Stop> {
        let DeviceItem { object, made, allocated } = self.io_item(item)?;
        if let Some(Queued { io: Some((work, _)), .. }) = self.work_items.find(item) {
            let stop = BugCheck::new(BugCheckCode::WORKER_INVALID, [2, item.0, work.routine.0, 0]);
            let violation = Violation { rule: Rule::WorkItemFreedQueued, bug_check: stop, subject: item };
            let message = format!(
                "the work item at {item} was freed while it was queued to call {}",
                self.shown_place(work.routine)
            );
            self.report(call, &violation, &message);
            self.work_items.remove(item);
            self.work_items.let_go(object);
        }
        self.work_items.io.borrow_mut().remove(&item);
        if allocated {
            let at = self.intern(&self.trace(call.registers()));
            self.free_system_block(item, made, at)?;
        }
        Ok(())
    }

    /// Whether a device that is to be deleted stays until work that keeps it is done (MACH-165).
    pub(crate) fn postpones_deletion(&self, call: &Call<'_>, device: VirtualAddress) -> bool {
        let kept = self.work_items.is_kept(device);
        if kept {
            let at = self.intern(&self.trace(call.registers()));
            self.work_items.deletions.borrow_mut().insert(device, at);
        }
        kept
    }

    /// Lets work that keeps one of the driver's objects come to its end before the image goes, for a limited time;
    /// whether the run goes on.
    pub(crate) fn await_device_work(&self) -> bool {
        let begin = self.now();
        while !self.work_items.keepers.borrow().is_empty() && self.now().0 - begin.0 < LONGEST_DEVICE_WORK {
            if self.delay(Timeout::Relative(Instant::PER_MILLISECOND), false).is_err() {
                return false;
            }
        }
        true
    }
}
