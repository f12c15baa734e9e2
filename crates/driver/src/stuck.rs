//! What a thread that cannot go on needs, in words: who waits for what, where that lies, and who has it.

use crate::findings::Draft;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_finding::{Phase, Stack};
use ntpool_machine::dispatcher::{Link, ObjectKind, Reason, Stuck, StuckThread, ThreadId, WaitKind};
use ntpool_types::{Rule, VirtualAddress};

impl Session {
    /// A thread in words: its role if the system made it, else its start routine.
    pub(crate) fn describe_thread(&self, thread: ThreadId) -> String {
        if thread == self.strands.main().thread.get() {
            return format!("the thread of {}", self.step());
        }
        let object = self.dispatcher.borrow().thread(thread).object();
        match self.made_thread(thread) {
            Some(made) => format!("the thread at {object} that runs {}", self.shown_place(made.routine)),
            None => format!("the thread at {object}"),
        }
    }

    /// What the system waits for.
    fn step(&self) -> &'static str {
        match self.strands.main().phase.get() {
            Phase::DriverEntry => "DriverEntry",
            Phase::Unload => "the unload routine",
            _ => "the system",
        }
    }

    fn describe_thing(&self, label: &str, address: VirtualAddress, owner: Option<ThreadId>) -> String {
        let mut words = match self.describe(address).as_str() {
            "in no pool" => format!("{label} at {address}"),
            place => format!("{label} at {address} ({place})"),
        };
        if let Some(owner) = owner {
            words += &format!(", which {} owns", self.describe_thread(owner));
        }
        words
    }

    fn describe_object(
        &self,
        address: VirtualAddress,
        kind: Option<ObjectKind>,
        owner: Option<ThreadId>,
    ) -> String {
        match kind {
            Some(ObjectKind::Thread(thread)) => format!("the end of {}", self.describe_thread(thread)),
            Some(kind) => self.describe_thing(kind.label(), address, owner),
            None => self.describe_thing("an object that is gone", address, owner),
        }
    }

    /// What a thread needs, as the end of a sentence about it.
    pub(crate) fn describe_need(&self, reason: &Reason) -> String {
        match reason {
            Reason::Objects { objects, .. } if objects.is_empty() => "waits for a time".to_owned(),
            Reason::Objects { kind, objects } => {
                let between = if *kind == WaitKind::Any { " or " } else { " and " };
                let objects: Vec<String> = objects
                    .iter()
                    .map(|&(address, kind, owner)| self.describe_object(address, kind, owner))
                    .collect();
                format!("waits for {}", objects.join(between))
            }
            Reason::Lock { key, reason, owner } => {
                format!("waits for {}", self.describe_thing(reason.label(), *key, *owner))
            }
            Reason::Spin { processor, key, reason, holder } => {
                let lock = self.describe_thing(reason.label(), *key, *holder);
                let place =
                    processor.map_or_else(String::new, |processor| format!("on processor {} ", processor.0));
                format!("spins {place}for {lock}")
            }
            Reason::Loop { processor } => format!("turns in a loop on processor {}", processor.0),
        }
    }

    fn describe_link(&self, link: &Link, stuck: &Stuck) -> String {
        let thread = self.describe_thread(link.thread);
        let need = stuck.threads.iter().find(|stuck| stuck.thread == link.thread);
        match need {
            Some(StuckThread { reason, .. }) => format!("{thread} {}", self.describe_need(reason)),
            None => thread,
        }
    }

    /// Reports that nobody can ever go on, and ends the run.
    pub(crate) fn report_stuck(&self, stuck: &Stuck) -> Stop {
        let stuck = &self.without_idle_workers(stuck);
        let main = self.strands.main().thread.get();
        let step = self.step();
        let (rule, threads, message) = match stuck.cycle() {
            Some(cycle) => {
                let links: Vec<String> = cycle.iter().map(|link| self.describe_link(link, stuck)).collect();
                let threads: Vec<ThreadId> = cycle.iter().map(|link| link.thread).collect();
                (Rule::WaitDeadlock, threads, format!("{step} can never finish: {}", links.join("; ")))
            }
            None => {
                let need = |stuck: &StuckThread| match stuck.thread == main {
                    true => format!(
                        "it {}, and nobody is left who could bring that",
                        self.describe_need(&stuck.reason)
                    ),
                    false => format!(
                        "{} {}",
                        self.describe_thread(stuck.thread),
                        self.describe_need(&stuck.reason)
                    ),
                };
                let first = stuck.threads.iter().filter(|stuck| stuck.thread == main);
                let others = stuck.threads.iter().filter(|stuck| stuck.thread != main);
                let needs: Vec<String> = first.chain(others).map(need).collect();
                (Rule::WaitEndless, vec![main], format!("{step} can never finish: {}", needs.join("; ")))
            }
        };
        let stacks: Vec<Stack> =
            threads.into_iter().filter_map(|thread| self.waiting_stack(thread)).collect();
        self.tell(Draft::new(rule, None, message).explained_by(stacks).of_system());
        self.end()
    }

    /// Reports that the system's step has waited for longer than anything would bring what it waits for, and ends the run.
    pub(crate) fn report_hopeless_wait(&self) -> Stop {
        let main = self.strands.main().thread.get();
        let stuck = self.dispatcher().stuck();
        let need = stuck.threads.iter().find(|stuck| stuck.thread == main);
        let need = need.map_or_else(|| "waits".to_owned(), |stuck| self.describe_need(&stuck.reason));
        let message = format!(
            "{} can never finish: it {need}, and in ten minutes of the machine's time nobody brought that",
            self.step()
        );
        let stacks = self.waiting_stack(main).into_iter().collect();
        self.tell(Draft::new(Rule::WaitEndless, None, message).explained_by(stacks).of_system());
        self.end()
    }

    /// Reports that the time limit was reached while nobody was in driver code, and ends the run.
    pub(crate) fn report_time_over(&self) -> Stop {
        let main = self.strands.main().thread.get();
        let message = format!("{} did not return before the time limit", self.step());
        let stacks = self.waiting_stack(main).into_iter().collect();
        self.tell(Draft::new(Rule::DriverEndlessLoop, None, message).explained_by(stacks).of_system());
        self.end()
    }
}
