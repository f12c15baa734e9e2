//! What it looks like when nobody can ever go on: who waits for what, and who has it.

use super::wait::{Target, WaitKind, WaitReason};
use super::{Dispatcher, ObjectKind, SpinHolder, SpinReason, ThreadId, ThreadState};
use alloc::vec::Vec;
use core::fmt;
use ntpool_types::{ProcessorNumber, VirtualAddress};

/// Why a thread cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It waits for objects.
    Objects {
        /// Any or all of them.
        kind: WaitKind,
        /// Each with its kind, unless it is gone, and with the thread that it depends on: a mutex's owner, or the
        /// thread whose end is waited for.
        objects: Vec<(VirtualAddress, Option<ObjectKind>, Option<ThreadId>)>,
    },
    /// It waits to be woken.
    Lock {
        /// The lock.
        key: VirtualAddress,
        /// What kind of lock.
        reason: WaitReason,
        /// The thread that has it.
        owner: Option<ThreadId>,
    },
    /// It spins.
    Spin {
        /// The processor that it keeps, if it has one: a thread that spins below DISPATCH_LEVEL can be preempted.
        processor: Option<ProcessorNumber>,
        /// What for.
        key: VirtualAddress,
        /// What kind of thing that is.
        reason: SpinReason,
        /// The thread that has it, or that is current on the processor that has it.
        holder: Option<ThreadId>,
    },
    /// It turns in a loop without boundaries.
    Loop {
        /// The processor.
        processor: ProcessorNumber,
    },
}

/// A thread that cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckThread {
    /// The thread.
    pub thread: ThreadId,
    /// The address of its object.
    pub object: VirtualAddress,
    /// Why.
    pub reason: Reason,
}

impl StuckThread {
    /// What it needs, each with the thread that has it.
    fn needs(&self) -> impl Iterator<Item = (VirtualAddress, &'static str, ThreadId)> {
        let (objects, one) = match &self.reason {
            Reason::Objects { objects, .. } => (&objects[..], None),
            Reason::Lock { key, reason, owner } => (&[][..], Some((*key, reason.label(), *owner))),
            Reason::Spin { key, reason, holder, .. } => (&[][..], Some((*key, reason.label(), *holder))),
            Reason::Loop { .. } => (&[][..], None),
        };
        let objects = objects.iter().map(|&(address, kind, owner)| (address, label(kind), owner));
        objects.chain(one).filter_map(|(address, label, owner)| Some((address, label, owner?)))
    }
}

fn label(kind: Option<ObjectKind>) -> &'static str {
    kind.map_or("an object that is gone", ObjectKind::label)
}

/// A link of a deadlock: a thread, what it needs, and who has that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The thread that cannot go on.
    pub thread: ThreadId,
    /// What it needs.
    pub needs: VirtualAddress,
    /// What that is in words, with an article.
    pub label: &'static str,
    /// The thread that has it.
    pub owner: ThreadId,
}

/// Nobody can ever go on by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Every thread that has not ended and has something to do, in the order of their numbers.
    pub threads: Vec<StuckThread>,
}

impl Stuck {
    /// A circle of threads each of which needs what the next one has, from the lowest number on; `None` when there is
    /// none.
    #[must_use]
    pub fn cycle(&self) -> Option<Vec<Link>> {
        self.threads.iter().find_map(|first| {
            let mut path = Vec::new();
            let mut visited = Vec::new();
            self.leads_back(first, first.thread, &mut path, &mut visited).then_some(path)
        })
    }

    /// Whether a thread's needs lead to `goal`; `path` has the way then. A thread that was visited leads nowhere, or
    /// the search would have ended there.
    fn leads_back(
        &self,
        from: &StuckThread,
        goal: ThreadId,
        path: &mut Vec<Link>,
        visited: &mut Vec<ThreadId>,
    ) -> bool {
        visited.push(from.thread);
        for (needs, label, owner) in from.needs() {
            path.push(Link { thread: from.thread, needs, label, owner });
            if owner == goal {
                return true;
            }
            let next = self.threads.iter().find(|thread| thread.thread == owner);
            if let Some(next) = next
                && !visited.contains(&owner)
                && self.leads_back(next, goal, path, visited)
            {
                return true;
            }
            path.pop();
        }
        false
    }

    fn object(&self, thread: ThreadId) -> Option<VirtualAddress> {
        self.threads.iter().find(|stuck| stuck.thread == thread).map(|stuck| stuck.object)
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.threads.is_empty() {
            return f.write_str("nobody has anything to do");
        }
        let has = |f: &mut fmt::Formatter<'_>, owner: Option<ThreadId>| match owner {
            Some(owner) => match self.object(owner) {
                Some(object) => write!(f, " (thread {object})"),
                None => write!(f, " (thread number {})", owner.0),
            },
            None => Ok(()),
        };
        for (place, stuck) in self.threads.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}thread {} ", stuck.object)?;
            match &stuck.reason {
                Reason::Objects { objects, .. } if objects.is_empty() => f.write_str("waits for nothing")?,
                Reason::Objects { kind, objects } => {
                    let between = if *kind == WaitKind::Any { " or " } else { " and " };
                    f.write_str("waits for ")?;
                    for (place, (address, kind, owner)) in objects.iter().enumerate() {
                        let between = if place == 0 { "" } else { between };
                        write!(f, "{between}{} at {address}", label(*kind))?;
                        has(f, *owner)?;
                    }
                }
                Reason::Lock { key, reason, owner } => {
                    write!(f, "waits for {} at {key}", reason.label())?;
                    has(f, *owner)?;
                }
                Reason::Spin { processor, key, reason, holder } => {
                    f.write_str("spins ")?;
                    if let Some(processor) = processor {
                        write!(f, "on processor {} ", processor.0)?;
                    }
                    write!(f, "for {} at {key}", reason.label())?;
                    has(f, *holder)?;
                }
                Reason::Loop { processor } => {
                    write!(f, "turns in a loop on processor {}", processor.0)?;
                }
            }
        }
        Ok(())
    }
}

impl Dispatcher {
    /// Who cannot go on, and why.
    #[must_use]
    pub fn stuck(&self) -> Stuck {
        let threads = self.threads().filter_map(|(thread, record)| {
            let reason = match (record.state, &record.wait, record.spin) {
                (ThreadState::Waiting, Some(wait), _) => match &wait.target {
                    Target::Objects { objects, kind } => {
                        let object = |&address: &VirtualAddress| {
                            let object = self.objects.get(&address);
                            (address, object.map(|it| it.kind()), object.and_then(|it| it.owner()))
                        };
                        Reason::Objects { kind: *kind, objects: objects.iter().map(object).collect() }
                    }
                    &Target::Lock { key, reason, owner } => Reason::Lock { key, reason, owner },
                },
                (ThreadState::Running(_) | ThreadState::Ready, _, Some(spin)) => Reason::Spin {
                    processor: match record.state {
                        ThreadState::Running(processor) => Some(processor),
                        _ => None,
                    },
                    key: spin.key,
                    reason: spin.reason,
                    holder: spin.holder.map(|holder| match holder {
                        SpinHolder::Processor(processor) => self.current_thread(processor),
                        SpinHolder::Thread(thread) => thread,
                    }),
                },
                (ThreadState::Running(processor), ..) if record.yields_until > self.steps => {
                    Reason::Loop { processor }
                }
                _ => return None,
            };
            Some(StuckThread { thread, object: record.object, reason })
        });
        Stuck { threads: threads.collect() }
    }
}
