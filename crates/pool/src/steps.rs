//! Steps, counted: the crate's atomics when it is built for its own tests, each access noted.
//!
//! All that the pool keeps it keeps in atomics and in [arrays](crate::metadata::Array), so who counts how often these are
//! asked for knows how much work an operation is, whatever the machine; and who looks before each step sees every state
//! that an operation goes through.

use crate::sync::Ordering;
use core::sync::atomic;
use std::cell::Cell;
use std::rc::Rc;

std::thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
    static BEFORE_EACH: Cell<Option<Rc<dyn Fn()>>> = const { Cell::new(None) };
}

/// Notes a step that the calling thread is about to take.
pub(crate) fn step() {
    // A thread that ends has nothing to count any more.
    let _ = STEPS.try_with(|steps| steps.set(steps.get() + 1));
    if let Ok(Some(look)) = BEFORE_EACH.try_with(Cell::take) {
        // It is away meanwhile: the steps of `look` itself are not looked at.
        look();
        BEFORE_EACH.set(Some(look));
    }
}

/// What comes of `f`, with a `look` before each of its steps.
pub(crate) fn looking<R>(look: Rc<dyn Fn()>, f: impl FnOnce() -> R) -> R {
    BEFORE_EACH.set(Some(look));
    let result = f();
    BEFORE_EACH.set(None);
    result
}

/// The steps that something takes, and what comes of it.
pub(crate) fn of<R>(f: impl FnOnce() -> R) -> (u64, R) {
    let before = STEPS.get();
    let result = f();
    (STEPS.get() - before, result)
}

macro_rules! counted {
    ($($name:ident $(<$target:ident>)? of $type:ty;)*) => {
        $(
            #[repr(transparent)]
            #[derive(Debug, Default)]
            pub(crate) struct $name $(<$target>)? (atomic::$name $(<$target>)?);

            impl $(<$target>)? $name $(<$target>)? {
                #[inline(always)]
                pub(crate) fn load(&self, order: Ordering) -> $type {
                    step();
                    self.0.load(order)
                }

                #[inline(always)]
                pub(crate) fn store(&self, value: $type, order: Ordering) {
                    step();
                    self.0.store(value, order);
                }
            }
        )*
    };
}

counted! {
    AtomicBool of bool;
    AtomicU8 of u8;
    AtomicU16 of u16;
    AtomicU32 of u32;
    AtomicU64 of u64;
    AtomicPtr<T> of *mut T;
}

impl AtomicBool {
    pub(crate) const fn new(value: bool) -> AtomicBool {
        AtomicBool(atomic::AtomicBool::new(value))
    }

    pub(crate) fn compare_exchange(
        &self,
        current: bool,
        new: bool,
        success: Ordering,
        failure: Ordering,
    ) -> Result<bool, bool> {
        step();
        self.0.compare_exchange(current, new, success, failure)
    }
}

impl AtomicU16 {
    pub(crate) const fn new(value: u16) -> AtomicU16 {
        AtomicU16(atomic::AtomicU16::new(value))
    }

    pub(crate) fn fetch_and(&self, value: u16, order: Ordering) -> u16 {
        step();
        self.0.fetch_and(value, order)
    }
}

impl AtomicU32 {
    pub(crate) const fn new(value: u32) -> AtomicU32 {
        AtomicU32(atomic::AtomicU32::new(value))
    }

    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        step();
        self.0.swap(value, order)
    }

    pub(crate) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        step();
        self.0.fetch_add(value, order)
    }
}

impl AtomicU64 {
    pub(crate) const fn new(value: u64) -> AtomicU64 {
        AtomicU64(atomic::AtomicU64::new(value))
    }

    pub(crate) fn compare_exchange_weak(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        step();
        self.0.compare_exchange_weak(current, new, success, failure)
    }

    pub(crate) fn swap(&self, value: u64, order: Ordering) -> u64 {
        step();
        self.0.swap(value, order)
    }

    pub(crate) fn fetch_max(&self, value: u64, order: Ordering) -> u64 {
        step();
        self.0.fetch_max(value, order)
    }
}

impl<T> AtomicPtr<T> {
    pub(crate) const fn new(value: *mut T) -> AtomicPtr<T> {
        AtomicPtr(atomic::AtomicPtr::new(value))
    }
}
