//! Executive callbacks: routines that are registered with an object and called when it is notified.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use ntpool_types::VirtualAddress;

/// A routine that is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// What the caller knows it by.
    pub handle: VirtualAddress,
    /// The callback object.
    pub object: VirtualAddress,
    /// The routine.
    pub routine: VirtualAddress,
    /// Its first argument.
    pub context: u64,
    /// How many notifications are calling it at this moment.
    pub running: u32,
    /// Whether it is being taken back, so that no further notification calls it.
    pub is_leaving: bool,
}

/// Why a routine was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterError {
    /// There is no such callback object.
    NoObject,
    /// The object takes one routine only, and has one.
    Taken,
}

/// Every callback object, and what is registered with it in the order of registration.
#[derive(Debug, Default)]
pub struct Callbacks {
    /// Whether an object takes more than one routine.
    objects: BTreeMap<VirtualAddress, bool>,
    registrations: Vec<Registration>,
}

impl Callbacks {
    /// Adds a callback object.
    pub fn create(&mut self, object: VirtualAddress, takes_several: bool) {
        self.objects.insert(object, takes_several);
    }

    /// Whether a callback object is at this address.
    #[must_use]
    pub fn contains(&self, object: VirtualAddress) -> bool {
        self.objects.contains_key(&object)
    }

    /// Whether another routine can be registered with an object.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn can_register(&self, object: VirtualAddress) -> Result<(), RegisterError> {
        let takes_several = *self.objects.get(&object).ok_or(RegisterError::NoObject)?;
        let is_taken = self.registrations.iter().any(|registration| registration.object == object);
        if is_taken && !takes_several { Err(RegisterError::Taken) } else { Ok(()) }
    }

    /// Registers a routine under a handle that is not in use.
    pub fn register(
        &mut self,
        handle: VirtualAddress,
        object: VirtualAddress,
        routine: VirtualAddress,
        context: u64,
    ) {
        let registration = Registration { handle, object, routine, context, running: 0, is_leaving: false };
        self.registrations.push(registration);
    }

    fn find(&mut self, handle: VirtualAddress) -> Option<&mut Registration> {
        self.registrations.iter_mut().find(|registration| registration.handle == handle)
    }

    /// The handles of the routines that a notification of this object calls, in order.
    #[must_use]
    pub fn registered_with(&self, object: VirtualAddress) -> Vec<VirtualAddress> {
        let mine = self.registrations.iter().filter(|registration| registration.object == object);
        mine.map(|registration| registration.handle).collect()
    }

    /// A notification is about to call a routine; what to call, unless it has been taken back meanwhile.
    pub fn begin_call(&mut self, handle: VirtualAddress) -> Option<Registration> {
        let registration = self.find(handle).filter(|registration| !registration.is_leaving)?;
        registration.running += 1;
        Some(*registration)
    }

    /// The call has returned; whether whoever takes the routine back need not wait any longer.
    pub fn end_call(&mut self, handle: VirtualAddress) -> bool {
        let Some(registration) = self.find(handle) else { return false };
        registration.running -= 1;
        registration.is_leaving && registration.running == 0
    }

    /// Begins to take a routine back; how many calls of it have to return first, or `None` when there is no such handle.
    pub fn begin_unregister(&mut self, handle: VirtualAddress) -> Option<u32> {
        let registration = self.find(handle)?;
        registration.is_leaving = true;
        Some(registration.running)
    }

    /// The routine is gone.
    pub fn finish_unregister(&mut self, handle: VirtualAddress) {
        self.registrations.retain(|registration| registration.handle != handle);
    }

    /// What is registered.
    pub fn registrations(&self) -> impl Iterator<Item = &Registration> {
        self.registrations.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: VirtualAddress = VirtualAddress(0x1000);
    const ONE: VirtualAddress = VirtualAddress(0x10);
    const TWO: VirtualAddress = VirtualAddress(0x20);
    const ROUTINE: VirtualAddress = VirtualAddress(0x4000);

    #[test]
    fn an_object_takes_one_routine_or_several() {
        let mut callbacks = Callbacks::default();
        assert_eq!(callbacks.can_register(OBJECT), Err(RegisterError::NoObject));
        callbacks.create(OBJECT, false);
        callbacks.register(ONE, OBJECT, ROUTINE, 1);
        assert_eq!(callbacks.can_register(OBJECT), Err(RegisterError::Taken));
        callbacks.create(OBJECT, true);
        assert_eq!(callbacks.can_register(OBJECT), Ok(()));
        callbacks.register(TWO, OBJECT, ROUTINE, 2);
        assert_eq!(callbacks.registered_with(OBJECT), [ONE, TWO]);
        assert_eq!(callbacks.registered_with(TWO), []);
    }

    #[test]
    fn a_routine_that_runs_is_gone_when_it_has_returned_and_is_not_called_again() {
        let mut callbacks = Callbacks::default();
        callbacks.create(OBJECT, true);
        callbacks.register(ONE, OBJECT, ROUTINE, 1);
        assert_eq!(callbacks.begin_call(ONE).map(|call| (call.routine, call.context)), Some((ROUTINE, 1)));
        assert!(callbacks.begin_call(ONE).is_some());
        assert!(!callbacks.end_call(ONE), "nobody takes it back");
        assert_eq!(callbacks.begin_unregister(ONE), Some(1));
        assert_eq!(callbacks.begin_call(ONE), None);
        assert!(callbacks.end_call(ONE));
        callbacks.finish_unregister(ONE);
        assert_eq!((callbacks.begin_unregister(ONE), callbacks.registrations().count()), (None, 0));
    }
}
