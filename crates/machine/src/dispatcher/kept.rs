//! The question who goes on, kept from one boundary to the next while nothing has changed that it depends on.
//!
//! To find out which threads are due to which processors, and which of them could run next, takes a look at every
//! processor and at every thread that is ready. The answer depends on the threads' states, priorities and affinities, on
//! the work that waits, and on the levels of the processors; at most boundaries none of this is another than at the last.
//!
//! # Invariants
//! - While candidates are kept, placing threads would change nothing, and collecting candidates anew would bring the same.
//!   Debug builds look at every use.
//! - Whatever changes what they depend on calls [`unsettle`](Dispatcher::unsettle), but for two things that are looked at
//!   instead: which processor runs, and its level, which its own code raises and lowers.

use super::{Dispatcher, ThreadId};

/// How long the candidates of the last boundary are those of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Not at all.
    Nothing,
    /// Until something changes: no thread waits for a processor, so levels do not matter.
    AtAnyLevel,
    /// The same, while this processor runs and others may or may not take its place there.
    While {
        /// The processor.
        running: usize,
        /// Whether a thread may be taken off it.
        preemptible: bool,
    },
}

impl Dispatcher {
    /// Something has changed that decides who can go on.
    #[inline]
    pub(super) fn unsettle(&mut self) {
        self.kept = Kept::Nothing;
    }

    /// Lets a thread give way until this step.
    pub(super) fn give_way(&mut self, id: ThreadId, until: u64) {
        self.thread_mut(id).yields_until = until;
        self.yields_end = self.yields_end.max(until);
        self.unsettle();
    }

    /// Keeps the candidates that were collected just now, after threads were placed, if they can be kept.
    pub(super) fn keep_candidates(&mut self) {
        let is_lasting = !self.candidates.is_empty()
            // A thread that gives way does so for some steps only.
            && self.yields_end <= self.steps
            // Whether work can be taken is a matter of levels and of steps.
            && !self.processors.iter().any(|state| state.has_queue())
            // A thread that may not be where it is leaves when the level allows it.
            && (0..self.processors.len()).all(|processor| self.is_where_it_may_be(processor));
        self.kept = match is_lasting {
            false => Kept::Nothing,
            true if self.ready.is_empty() => Kept::AtAnyLevel,
            true => Kept::While { running: self.running, preemptible: self.is_preemptible(self.running) },
        };
    }

    /// Whether the candidates are still those that were kept.
    #[inline]
    pub(super) fn has_kept(&self) -> bool {
        match self.kept {
            Kept::Nothing => false,
            Kept::AtAnyLevel => true,
            Kept::While { running, preemptible } => {
                running == self.running && preemptible == self.is_preemptible(running)
            }
        }
    }

    /// Whether what is kept is what a search would bring.
    pub(super) fn kept_is_true(&self) -> bool {
        let mut found = alloc::vec::Vec::new();
        self.collect_into(&mut found);
        found == self.candidates
            && self.yields_end <= self.steps
            && self.next_placement().is_none()
            && (0..self.processors.len()).all(|processor| self.is_where_it_may_be(processor))
    }
}
