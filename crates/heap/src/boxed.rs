//! A value in a block of its own.
#![expect(unsafe_code, reason = "owns a value through its address")]

use crate::{Contents, HoldPolicy, NoMemory, SpinHold, Tagged};
use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use ntpool_types::Tag;

/// A value in a pool block that is counted under `TAG`, and freed with it when the box is dropped.
///
/// A value of no bytes takes no block.
pub struct PoolBox<'h, T, const TAG: u32, P: HoldPolicy = SpinHold> {
    /// Invariant: a valid value that nothing else refers to; unless the type has no bytes, in a live block of its own,
    /// which the handle allocated.
    value: NonNull<T>,
    handle: Tagged<'h, TAG, P>,
    owned: PhantomData<T>,
}

// SAFETY: the box is the only way to its value, as `alloc::boxed::Box` is; the heap is shared by all threads.
unsafe impl<T: Send, const TAG: u32, P: HoldPolicy> Send for PoolBox<'_, T, TAG, P> {}
// SAFETY: a shared box gives out shared references to its value only.
unsafe impl<T: Sync, const TAG: u32, P: HoldPolicy> Sync for PoolBox<'_, T, TAG, P> {}

impl<'h, T, const TAG: u32, P: HoldPolicy> PoolBox<'h, T, TAG, P> {
    /// Moves a value into a block of its own.
    ///
    /// # Errors
    /// [`NoMemory`] when the handle's kind of pool has no room left; the value is dropped.
    pub fn try_new(handle: Tagged<'h, TAG, P>, value: T) -> Result<Self, NoMemory> {
        let place = match size_of::<T>() {
            0 => NonNull::dangling(),
            _ => handle.try_allocate(Layout::new::<T>(), Contents::Uninitialized)?.cast::<T>(),
        };
        // SAFETY: the block is aligned and long enough for the type, and was just allocated; a value of no bytes may
        // be written to any aligned address.
        unsafe { place.write(value) };
        Ok(PoolBox { value: place, handle, owned: PhantomData })
    }

    /// Takes the value out and frees its block.
    #[must_use]
    pub fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: the field's invariant; the value moves out, and the box that would drop it is forgotten.
        let value = unsafe { this.value.read() };
        this.free();
        value
    }

    /// Gives up the box for its address; the block stays live until [`from_raw`](Self::from_raw) takes it back.
    #[must_use]
    pub fn into_raw(self) -> NonNull<T> {
        ManuallyDrop::new(self).value
    }

    /// Makes a box of what [`into_raw`](Self::into_raw) returned.
    ///
    /// # Safety
    /// 1. `into_raw` of a box of this type, from a handle to the same heap, returned the address.
    /// 2. Nobody uses the value, and no other box has been made of it.
    #[must_use]
    pub unsafe fn from_raw(handle: Tagged<'h, TAG, P>, value: NonNull<T>) -> Self {
        PoolBox { value, handle, owned: PhantomData }
    }

    /// Frees the block, whose value is gone. Called once, last.
    fn free(&self) {
        if size_of::<T>() > 0 {
            // SAFETY: the field's invariant says that the block is live and the box's own; the box ends here.
            unsafe { self.handle.heap().release(self.value.cast(), Tag(TAG)) };
        }
    }
}

impl<T, const TAG: u32, P: HoldPolicy> Drop for PoolBox<'_, T, TAG, P> {
    fn drop(&mut self) {
        /// Frees the block even if the value's own drop unwinds.
        struct Last<'b, 'h, T, const TAG: u32, P: HoldPolicy>(&'b PoolBox<'h, T, TAG, P>);

        impl<T, const TAG: u32, P: HoldPolicy> Drop for Last<'_, '_, T, TAG, P> {
            fn drop(&mut self) {
                self.0.free();
            }
        }

        let value = self.value;
        let _last = Last(self);
        // SAFETY: the field's invariant; the box ends here, so the value is dropped once.
        unsafe { value.drop_in_place() };
    }
}

impl<T, const TAG: u32, P: HoldPolicy> Deref for PoolBox<'_, T, TAG, P> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the field's invariant; the borrow of the box keeps writers out.
        unsafe { self.value.as_ref() }
    }
}

impl<T, const TAG: u32, P: HoldPolicy> DerefMut for PoolBox<'_, T, TAG, P> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the field's invariant; the unique borrow of the box keeps everybody else out.
        unsafe { self.value.as_mut() }
    }
}

impl<T: fmt::Debug, const TAG: u32, P: HoldPolicy> fmt::Debug for PoolBox<'_, T, TAG, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: fmt::Display, const TAG: u32, P: HoldPolicy> fmt::Display for PoolBox<'_, T, TAG, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
