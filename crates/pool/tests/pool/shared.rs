//! A value that several threads of a test share.
//!
//! The thread sanitizer sees only what is compiled with it, which the standard library is not: a mutex's slow way is in
//! there, and so a thread that had to wait seems to have waited for nobody. The turns count what the mutex does with an
//! atomic of our own, which the sanitizer sees.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

#[derive(Default)]
pub struct Shared<T> {
    value: Mutex<T>,
    turns: AtomicU64,
}

impl<T> Shared<T> {
    pub fn new(value: T) -> Self {
        Self { value: Mutex::new(value), turns: AtomicU64::new(0) }
    }

    /// Waits for the value.
    pub fn lock(&self) -> Turn<'_, T> {
        let held = self.value.lock().expect("nobody panicked");
        self.turns.fetch_add(1, Ordering::Acquire);
        Turn { turns: &self.turns, held }
    }

    pub fn into_inner(self) -> T {
        self.value.into_inner().expect("nobody panicked")
    }
}

/// The value, for as long as this lives.
pub struct Turn<'a, T> {
    turns: &'a AtomicU64,
    held: MutexGuard<'a, T>,
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.held
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.held
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.turns.fetch_add(1, Ordering::Release);
    }
}
