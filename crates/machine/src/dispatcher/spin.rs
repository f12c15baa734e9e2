//! Spinning: a processor that turns in a loop until something changes, and so lets others go on here.

use super::{Dispatcher, ThreadId};
use ntpool_types::{ProcessorNumber, VirtualAddress};

/// What a processor spins for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the labels say it")]
pub enum SpinReason {
    SpinLock,
    QueuedSpinLock,
    ReaderWriterSpinLock,
    InterruptLock,
    CancelLock,
    ProcessorCall,
    Other(&'static str),
}

impl SpinReason {
    /// What is spun for in words, with an article.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            SpinReason::SpinLock => "a spin lock",
            SpinReason::QueuedSpinLock => "a queued spin lock",
            SpinReason::ReaderWriterSpinLock => "a reader-writer spin lock",
            SpinReason::InterruptLock => "an interrupt's spin lock",
            SpinReason::CancelLock => "the cancel spin lock",
            SpinReason::ProcessorCall => "the end of a call on other processors",
            SpinReason::Other(label) => label,
        }
    }
}

/// Who has a spin lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpinHolder {
    /// The processor that was held at DISPATCH_LEVEL or above when the lock was taken.
    Processor(ProcessorNumber),
    /// The thread that took the lock below DISPATCH_LEVEL, which is its driver's mistake: it may wait and move with it.
    Thread(ThreadId),
}

impl From<ProcessorNumber> for SpinHolder {
    fn from(processor: ProcessorNumber) -> SpinHolder {
        SpinHolder::Processor(processor)
    }
}

/// A processor's turning in a loop until something changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spin {
    pub key: VirtualAddress,
    pub reason: SpinReason,
    pub holder: Option<SpinHolder>,
}

impl Dispatcher {
    /// The running processor turns in a loop until something that `key` stands for happens; the caller asks
    /// [`block`](Dispatcher::block) next. `holder` is whom it waits for, for reports.
    ///
    /// When the thread goes on it takes its processor's work, looks whether it has happened, and if not spins again:
    /// it may have gone on just to take an interrupt, or another processor may have been faster.
    pub fn spin_on(&mut self, key: VirtualAddress, reason: SpinReason, holder: Option<SpinHolder>) {
        self.unsettle();
        let (_, id) = self.running();
        self.thread_mut(id).spin = Some(Spin { key, reason, holder });
    }

    /// Lets all that spin with this key go on, and returns how many there are.
    pub fn spin_released(&mut self, key: VirtualAddress) -> usize {
        self.unsettle();
        let spinners =
            self.threads.iter_mut().filter(|thread| thread.spin.is_some_and(|spin| spin.key == key));
        spinners.map(|thread| thread.spin = None).count()
    }
}
