//! References and handles: who may use an object of the system's, and what is left of them.

use crate::call::Call;
use crate::findings::Draft;
use crate::session::Session;
use crate::stop::Stop;
use crate::system_objects::{NoReference, SystemKind, SystemObject};
use ntpool_finding::Role;
use ntpool_host::arena;
use ntpool_machine::dispatcher::NotAnObject;
use ntpool_types::{BugCheck, BugCheckCode, PAGE_SIZE, Rule, Violation, VirtualAddress};
use ntpool_verifier::StackId;

impl Session {
    /// The kind of the object at this address; devices become known when somebody refers to them.
    pub(crate) fn system_object(&self, address: VirtualAddress) -> Option<SystemKind> {
        let is_device = || self.devices.borrow().iter().any(|device| device.object == address);
        let known = self.system_objects.borrow().get(address).map(|object| object.kind);
        match known {
            Some(SystemKind::Device) | None => is_device().then(|| {
                if known.is_none() {
                    let device = SystemObject::needed(SystemKind::Device);
                    self.system_objects.borrow_mut().add(address, device);
                }
                SystemKind::Device
            }),
            known => known,
        }
    }

    fn stack_of(&self, call: &Call<'_>) -> StackId {
        self.intern(&self.trace(call.registers()))
    }

    /// Opens a handle to an object that is there.
    pub(crate) fn open_handle(&self, call: &Call<'_>, object: VirtualAddress, for_kernel: bool) -> u64 {
        let opened = self.stack_of(call);
        self.system_objects.borrow_mut().open(object, opened, for_kernel)
    }

    /// Closes a handle; whether it was open.
    pub(crate) fn close_handle(&self, handle: u64) -> bool {
        let object = self.system_objects.borrow_mut().close(handle);
        if let Some(object) = object {
            self.drop_if_unused(object);
        }
        object.is_some()
    }

    /// Tells of a handle that is not open. With the driver verifier Windows stops for one of the kernel's.
    pub(crate) fn report_handle_not_open(&self, call: &Call<'_>, handle: u64) {
        // The second parameter says that it is not open, rather than protected.
        let stop = BugCheck::new(BugCheckCode::INVALID_KERNEL_HANDLE, [handle, 1, 0, 0]);
        let stop = (handle >> 63 == 1).then_some(stop);
        let draft = Draft::new(
            Rule::HandleNotOpen,
            stop,
            format!("the handle {handle:#x} was used, which is not open"),
        );
        self.tell_once(call, draft, Role::At);
    }

    /// Adds a reference of the driver's to an object; how many there are.
    ///
    /// # Errors
    /// A misuse, when the address is no object.
    pub(crate) fn reference(&self, call: &Call<'_>, object: VirtualAddress) -> Result<u64, Stop> {
        let at = self.stack_of(call);
        let known =
            self.system_object(object).and_then(|_| self.system_objects.borrow_mut().reference(object, at));
        known.ok_or_else(|| self.stop_for_missing(&NotAnObject(object)))
    }

    /// Releases a reference of the driver's to an object; how many there are left.
    ///
    /// # Errors
    /// The stop of MACH-051 when the driver has none, a misuse when the address is no object.
    pub(crate) fn dereference(&self, object: VirtualAddress) -> Result<u64, Stop> {
        let released = self.system_objects.borrow_mut().dereference(object);
        match released {
            Ok(left) => {
                self.drop_if_unused(object);
                Ok(left)
            }
            Err(NoReference::NotAnObject) => Err(self.stop_for_missing(&NotAnObject(object))),
            Err(NoReference::NotReferenced(kind)) => Err(Stop::Crime {
                violation: Violation {
                    rule: Rule::ObjectOverDereferenced,
                    bug_check: BugCheck::new(
                        BugCheckCode::REFERENCE_BY_POINTER,
                        [kind.type_object().0, object.0, 0, 0],
                    ),
                    subject: object,
                },
                message: format!(
                    "a reference to the {} object at {object} was released, and the driver has none",
                    kind.label()
                ),
            }),
        }
    }

    /// The system needs an object no longer.
    pub(crate) fn let_go_of(&self, object: VirtualAddress) {
        self.system_objects.borrow_mut().let_go(object);
        self.drop_if_unused(object);
    }

    fn drop_if_unused(&self, object: VirtualAddress) {
        if self.system_objects.borrow_mut().drop_unused(object) {
            // Nobody has a right to wait for it any more.
            let _ = self.dispatcher().forget_range(object, PAGE_SIZE);
            if let Err(error) = arena::unmap(object, PAGE_SIZE) {
                self.reporter.give_up(&error);
            }
        }
    }

    /// Reports handles that are open and references that are held.
    pub(crate) fn report_references_left(&self) {
        let handles = self.system_objects.borrow().handles();
        for (value, handle) in handles {
            let kind = self.system_objects.borrow().get(handle.object).map(|object| object.kind.label());
            let (kind, object) = (kind.unwrap_or_default(), handle.object);
            let message = format!("the handle {value:#x} to the {kind} object at {object} was left open");
            let opened = self.stack(Role::Created, handle.opened);
            self.report_afterwards(Rule::HandleLeft, &message, vec![opened]);
        }
        let held: Vec<(VirtualAddress, SystemKind, StackId)> = self
            .system_objects
            .borrow()
            .iter()
            .flat_map(|(address, object)| object.references.iter().map(move |&at| (address, object.kind, at)))
            .collect();
        for (object, kind, at) in held {
            let message = format!("a reference to the {} object at {object} was left behind", kind.label());
            self.report_afterwards(Rule::ObjectReferenceLeft, &message, vec![self.stack(Role::At, at)]);
        }
    }
}
