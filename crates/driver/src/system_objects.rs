//! The objects that the system keeps for drivers: who refers to each, and the handles that are open.
//!
//! An object lives as long as somebody needs it: the system (a thread that runs), a handle, or a pointer that the driver
//! referenced. Each has a page of its own, which is never used again, so that a use after it is gone is a fault and a report
//! can say what was there.
//!
//! # Invariants
//! - Every handle is one of an object that is there.
//! - An object without handles, references and a need of the system's is not there.

use ntpool_host::layout::{COUNTED_OBJECTS, SYSTEM_OBJECTS};
use ntpool_machine::ObjectName;
use ntpool_types::{PAGE_SIZE, VirtualAddress};
use ntpool_verifier::StackId;
use std::collections::BTreeMap;

/// Where the objects lie that stand for kinds of objects.
const TYPE_OBJECTS: VirtualAddress = VirtualAddress(SYSTEM_OBJECTS.base.0 + 0x4000);

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SystemKind {
    Thread,
    Event,
    Semaphore,
    Callback,
    Process,
    Driver,
    Device,
    File,
}

impl SystemKind {
    /// The kind in a word.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            SystemKind::Thread => "thread",
            SystemKind::Event => "event",
            SystemKind::Semaphore => "semaphore",
            SystemKind::Callback => "callback",
            SystemKind::Process => "process",
            SystemKind::Driver => "driver",
            SystemKind::Device => "device",
            SystemKind::File => "file",
        }
    }

    /// Where the object lies that stands for the kind.
    pub(crate) const fn type_object(self) -> VirtualAddress {
        VirtualAddress(TYPE_OBJECTS.0 + 0x100 * self as u64)
    }
}

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct SystemObject {
    pub(crate) kind: SystemKind,
    /// Whether the system needs it.
    pub(crate) is_needed: bool,
    pub(crate) handle_count: usize,
    /// Where the driver referenced it, the last one last.
    pub(crate) references: Vec<StackId>,
    pub(crate) name: Option<ObjectName>,
}

impl SystemObject {
    /// An object that the system needs, for which there are no handles yet.
    pub(crate) fn needed(kind: SystemKind) -> SystemObject {
        SystemObject { kind, is_needed: true, handle_count: 0, references: Vec::new(), name: None }
    }

    fn is_used(&self) -> bool {
        self.is_needed || self.handle_count > 0 || !self.references.is_empty()
    }
}

/// An open handle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    pub(crate) object: VirtualAddress,
    /// Where it was opened.
    pub(crate) opened: StackId,
}

/// Why a reference was not released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoReference {
    /// The address is no object.
    NotAnObject,
    /// The driver has no reference to it.
    NotReferenced(SystemKind),
}

/// Every object, and every handle.
#[derive(Debug, Default)]
pub(crate) struct SystemObjects {
    objects: BTreeMap<VirtualAddress, SystemObject>,
    /// What pages held whose objects are gone.
    gone: BTreeMap<VirtualAddress, SystemKind>,
    handles: BTreeMap<u64, Handle>,
    pages_used: u64,
    handles_made: u64,
}

/// The bits that handles for the kernel alone have set.
const KERNEL_HANDLE: u64 = 0xFFFF_FFFF_8000_0000;

impl SystemObjects {
    /// A page for an object, while there are any.
    pub(crate) fn take_page(&mut self) -> Option<VirtualAddress> {
        let page = VirtualAddress(COUNTED_OBJECTS.base.0 + self.pages_used * PAGE_SIZE.0);
        (page < COUNTED_OBJECTS.end()).then(|| {
            self.pages_used += 1;
            page
        })
    }

    /// Adds an object at this address.
    pub(crate) fn add(&mut self, address: VirtualAddress, object: SystemObject) {
        self.objects.insert(address, object);
    }

    /// The object at this address.
    pub(crate) fn get(&self, address: VirtualAddress) -> Option<&SystemObject> {
        self.objects.get(&address)
    }

    /// The kind of the object that was at the page of this address and is gone, with the page.
    pub(crate) fn gone_at(&self, address: VirtualAddress) -> Option<(VirtualAddress, SystemKind)> {
        let page = address.page_base();
        self.gone.get(&page).map(|&kind| (page, kind))
    }

    /// The object of this name.
    pub(crate) fn find(&self, name: &ObjectName) -> Option<VirtualAddress> {
        self.objects
            .iter()
            .find(|(_, object)| object.name.as_ref() == Some(name))
            .map(|(&address, _)| address)
    }

    /// Opens a handle to an object that is there.
    pub(crate) fn open(&mut self, object: VirtualAddress, opened: StackId, for_kernel: bool) -> u64 {
        self.handles_made += 1;
        let handle = (4 * self.handles_made) | if for_kernel { KERNEL_HANDLE } else { 0 };
        self.objects.get_mut(&object).expect("a handle is one of an object").handle_count += 1;
        self.handles.insert(handle, Handle { object, opened });
        handle
    }

    /// What a handle stands for; its two lowest bits are the driver's.
    pub(crate) fn handle(&self, handle: u64) -> Option<Handle> {
        self.handles.get(&(handle & !3)).copied()
    }

    /// Closes a handle; its object. The caller asks whether that is [still used](Self::drop_unused).
    pub(crate) fn close(&mut self, handle: u64) -> Option<VirtualAddress> {
        let Handle { object, .. } = self.handles.remove(&(handle & !3))?;
        self.objects.get_mut(&object)?.handle_count -= 1;
        Some(object)
    }

    /// Adds a reference of the driver's; the count as Windows would show it, which counts handles too.
    pub(crate) fn reference(&mut self, address: VirtualAddress, at: StackId) -> Option<u64> {
        let object = self.objects.get_mut(&address)?;
        object.references.push(at);
        Some(count(object))
    }

    /// Releases a reference of the driver's; the count as Windows would show it. The caller asks whether the object is
    /// [still used](Self::drop_unused).
    ///
    /// # Errors
    /// [`NoReference`].
    pub(crate) fn dereference(&mut self, address: VirtualAddress) -> Result<u64, NoReference> {
        let object = self.objects.get_mut(&address).ok_or(NoReference::NotAnObject)?;
        object.references.pop().ok_or(NoReference::NotReferenced(object.kind))?;
        Ok(count(object))
    }

    /// The system needs an object no longer.
    pub(crate) fn let_go(&mut self, address: VirtualAddress) {
        if let Some(object) = self.objects.get_mut(&address) {
            object.is_needed = false;
        }
    }

    /// Forgets an object that nobody uses; whether it did.
    pub(crate) fn drop_unused(&mut self, address: VirtualAddress) -> bool {
        if self.objects.get(&address).is_none_or(SystemObject::is_used) {
            return false;
        }
        let object = self.objects.remove(&address).expect("it was found");
        self.gone.insert(address, object.kind);
        true
    }

    /// Every object with its address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (VirtualAddress, &SystemObject)> {
        self.objects.iter().map(|(&address, object)| (address, object))
    }

    /// Every open handle with its value, in the order of opening.
    pub(crate) fn handles(&self) -> Vec<(u64, Handle)> {
        let mut handles: Vec<_> = self.handles.iter().map(|(&value, &handle)| (value, handle)).collect();
        handles.sort_by_key(|(value, _)| value & !KERNEL_HANDLE);
        handles
    }
}

fn count(object: &SystemObject) -> u64 {
    (usize::from(object.is_needed) + object.handle_count + object.references.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOMEWHERE: StackId = StackId(1);

    #[test]
    fn an_object_goes_with_the_last_of_what_needs_it() {
        let mut objects = SystemObjects::default();
        let page = objects.take_page().unwrap();
        objects.add(page, SystemObject::needed(SystemKind::Thread));
        let handle = objects.open(page, SOMEWHERE, false);
        assert_eq!(objects.reference(page, SOMEWHERE), Some(3));
        objects.let_go(page);
        assert!(!objects.drop_unused(page));
        assert_eq!(objects.close(handle | 3), Some(page));
        assert!(!objects.drop_unused(page));
        assert_eq!(objects.dereference(page), Ok(0));
        assert!(objects.drop_unused(page));
        assert_eq!(objects.gone_at(VirtualAddress(page.0 + 8)), Some((page, SystemKind::Thread)));
        assert_eq!(objects.close(handle), None);
    }

    #[test]
    fn a_reference_that_the_driver_does_not_have_is_not_released() {
        let mut objects = SystemObjects::default();
        let page = objects.take_page().unwrap();
        assert_eq!(objects.dereference(page), Err(NoReference::NotAnObject));
        objects.add(page, SystemObject::needed(SystemKind::Event));
        assert_eq!(objects.dereference(page), Err(NoReference::NotReferenced(SystemKind::Event)));
    }
}
