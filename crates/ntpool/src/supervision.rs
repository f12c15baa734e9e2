//! The parent's watch over a child: it hears it out, limits its time, and tells what became of it.
//!
//! # Invariants
//! - Whatever was heard before the child died is in the outcome.
//! - Nothing the child sends makes the parent wait, panic or grow without bounds.

use crate::child::is_linked;
use crate::driver::Driver;
use crate::symbols::Symbolizer;
use ntpool_driver::{Order, PARENT_GONE};
use ntpool_finding::{DebugLine, Finding, Limit, LimitKind, Message, Outcome, Phase};
use ntpool_host::HostError;
use ntpool_host::channel::Received;
use ntpool_host::child::{Child, Ending};
use ntpool_types::Rule;
use std::time::{Duration, Instant};

/// Something that a watcher may want to show at once.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The driver printed something.
    Debug(&'a DebugLine),
    /// The driver has been doing this for so long.
    Waiting {
        /// What it is doing.
        phase: Phase,
        /// Since the run's start.
        elapsed: Duration,
    },
    /// So many runs of a search for a schedule have been made.
    Searching {
        /// What is done: schedules tried, or runs made to leave switches out.
        done: u64,
        /// How many schedules are tried; `None` while switches are left out.
        of: Option<u64>,
        /// Since the search's start.
        elapsed: Duration,
    },
}

/// Somebody who is told of a run as it happens.
pub trait Watcher {
    /// Takes note of an event.
    fn observe(&mut self, event: Event<'_>);
}

impl<F: FnMut(Event<'_>)> Watcher for F {
    fn observe(&mut self, event: Event<'_>) {
        self(event);
    }
}

/// How often the parent looks up from waiting.
const TICK: Duration = Duration::from_millis(100);
/// How long a child may take to set itself up.
const SETUP: Duration = Duration::from_secs(30);
/// How long a child that was asked to stop may take before it is ended.
const GRACE: Duration = Duration::from_secs(2);

/// How often a failed look at the channel is repeated, and after which pause.
const MOST_TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// Longer than anybody waits.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How much of what a child sends is kept, in bytes of packets and in findings; a driver that floods its channel is told
/// so. What the driver prints may take a quarter, so that it can't crowd out what it did.
const MOST_KEPT: usize = 16 << 20;
const MOST_FINDINGS: usize = 1000;

/// How far a child has come. It only ever goes on, whatever the child says, so each time limit is given once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Start,
    Entering,
    Entered,
    Unloading,
    Unloaded,
    Finished,
}

struct Supervision<'a> {
    outcome: Outcome,
    symbolizer: Symbolizer<'a>,
    phase: Phase,
    stage: Stage,
    kept: usize,
    dropped: u64,
    died: Option<String>,
    finished: bool,
}

/// Runs a driver in a child and collects what comes of it.
pub(crate) fn supervise(
    driver: &Driver,
    order: &Order,
    timeout: Duration,
    watcher: &mut dyn Watcher,
) -> Result<Outcome, HostError> {
    assert!(is_linked(), "the program can become a child");
    let mut child = Child::start(driver.image.file())?;
    let packet = serde_json::to_vec(order).expect("an order is plain data");
    match child.channel().send(&packet) {
        // How a child ended that is gone already says more than that it can't be told what to do.
        Err(error) if !error.is_of_closed_channel() => return Err(error),
        _ => {}
    }
    let mut supervision = Supervision {
        outcome: Outcome::new(driver.record(), order.seed, order.repeat.clone()),
        symbolizer: Symbolizer::new(driver),
        phase: Phase::Load,
        stage: Stage::Start,
        kept: 0,
        dropped: 0,
        died: None,
        finished: false,
    };
    // What was heard so far is worth more than the reason why no more can be heard.
    let listened = supervision.listen(&child, timeout, watcher);
    let unresponsive = listened.as_ref().is_ok_and(|unresponsive| *unresponsive);
    match (listened, child.wait(GRACE)) {
        (Ok(_), Ok(ending)) => supervision.conclude(ending, unresponsive),
        (Err(error), _) | (_, Err(error)) => supervision.limit(error.to_string()),
    }
    Ok(supervision.outcome)
}

impl Supervision<'_> {
    /// Hears the child out; whether it had to be ended because it did not answer.
    fn listen(
        &mut self,
        child: &Child,
        timeout: Duration,
        watcher: &mut dyn Watcher,
    ) -> Result<bool, HostError> {
        let start = Instant::now();
        let later = |time: Duration| Instant::now().checked_add(time).unwrap_or(start + FOR_EVER);
        let mut deadline = start + SETUP;
        loop {
            match self.receive(child, TICK)? {
                Received::Closed => return Ok(false),
                Received::Packet(packet) => {
                    let before = self.stage;
                    self.hear(&packet, watcher);
                    if self.stage > before {
                        deadline = later(match self.stage {
                            Stage::Entering | Stage::Unloading => timeout,
                            Stage::Finished => GRACE,
                            // The driver is not at work; what there is to do is ours.
                            Stage::Start | Stage::Entered | Stage::Unloaded => SETUP,
                        });
                    }
                }
                Received::Nothing => {
                    watcher.observe(Event::Waiting { phase: self.phase, elapsed: start.elapsed() });
                }
            }
            let now = Instant::now();
            if self.finished {
                // Only its end is still to come.
                if now > deadline + GRACE {
                    child.kill();
                }
            } else if now > deadline + GRACE {
                child.kill();
                self.drain(child, watcher)?;
                return Ok(true);
            } else if now > deadline {
                child.interrupt();
            }
        }
    }

    /// Hears what a child that was ended had still sent.
    fn drain(&mut self, child: &Child, watcher: &mut dyn Watcher) -> Result<(), HostError> {
        while let Received::Packet(packet) = self.receive(child, GRACE)? {
            self.hear(&packet, watcher);
        }
        Ok(())
    }

    /// Waits for a packet. What Linux can't do for want of memory it may do a moment later, and what the child has sent
    /// lies there until then.
    fn receive(&self, child: &Child, patience: Duration) -> Result<Received, HostError> {
        let mut tries = 0;
        loop {
            match child.channel().receive(patience) {
                Err(_) if tries < MOST_TRIES => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                }
                received => return received,
            }
        }
    }

    fn hear(&mut self, packet: &[u8], watcher: &mut dyn Watcher) {
        let Ok(message) = serde_json::from_slice::<Message>(packet) else {
            self.dropped += 1;
            return;
        };
        let share = if matches!(message, Message::Debug(_)) { MOST_KEPT / 4 } else { MOST_KEPT };
        self.kept = self.kept.saturating_add(packet.len());
        let full = self.kept > share;
        match message {
            Message::Entering => {
                self.stage = self.stage.max(Stage::Entering);
                self.phase = Phase::DriverEntry;
            }
            Message::Unloading => {
                self.stage = self.stage.max(Stage::Unloading);
                self.phase = Phase::Unload;
            }
            Message::Unloaded => {
                self.stage = self.stage.max(Stage::Unloaded);
                self.phase = Phase::AfterUnload;
                self.outcome.unloaded = true;
            }
            Message::Entered(status) => {
                self.stage = self.stage.max(Stage::Entered);
                self.outcome.driver_entry = Some(status);
            }
            Message::Debug(line) => {
                watcher.observe(Event::Debug(&line));
                if full {
                    self.drop_packet(packet);
                } else {
                    self.outcome.debug_output.push(line);
                }
            }
            Message::Finding(_)
            | Message::Limit(_)
            | Message::Device(_)
            | Message::Tag(_)
            | Message::Note(_)
                if full =>
            {
                self.drop_packet(packet);
            }
            Message::Finding(finding) => self.take_finding(*finding),
            Message::Limit(limit) => self.take_limit(limit),
            Message::Device(device) => self.outcome.devices.push(device),
            Message::Tag(row) => {
                if row.blocks() > 0 {
                    self.outcome.left.push(row.clone());
                }
                self.outcome.tags.push(row);
            }
            Message::Note(note) => {
                let note = self.named(&note);
                self.outcome.notes.push(note);
            }
            Message::Choices(choices) => self.outcome.choices = choices,
            Message::Switches(switches) if !full => self.outcome.switches.extend(switches),
            Message::Switches(_) => self.drop_packet(packet),
            Message::StackUsed(bytes) => self.outcome.stack_used = Some(bytes),
            Message::Died { signal, instruction, address } => {
                self.died =
                    Some(format!("at {instruction}, accessing {address}, of {}", signal_name(signal)));
            }
            Message::Finished => {
                self.stage = Stage::Finished;
                self.finished = true;
            }
        }
    }

    /// A text with the functions that it speaks of; what it grows by counts as kept.
    fn named(&mut self, text: &str) -> String {
        let named = self.symbolizer.name_places(text);
        self.kept = self.kept.saturating_add(named.len().saturating_sub(text.len()));
        named
    }

    /// Counts a packet that is not kept.
    fn drop_packet(&mut self, packet: &[u8]) {
        self.kept -= packet.len();
        self.dropped += 1;
    }

    fn take_finding(&mut self, mut finding: Finding) {
        if Rule::from_id(&finding.rule).is_none() || self.outcome.findings.len() >= MOST_FINDINGS {
            self.dropped += 1;
            return;
        }
        finding.message = self.named(&finding.message);
        for stack in &mut finding.stacks {
            self.symbolizer.fill_in(stack);
        }
        self.outcome.findings.push(finding);
    }

    fn take_limit(&mut self, mut limit: Limit) {
        if self.outcome.limits.len() >= MOST_FINDINGS {
            self.dropped += 1;
            return;
        }
        limit.message = self.named(&limit.message);
        for stack in &mut limit.stacks {
            self.symbolizer.fill_in(stack);
        }
        self.outcome.limits.push(limit);
    }

    fn limit(&mut self, message: String) {
        self.outcome.limits.push(Limit { kind: LimitKind::Host, message, stacks: Vec::new() });
    }

    fn conclude(&mut self, ending: Ending, unresponsive: bool) {
        if self.dropped > 0 {
            let note = format!(
                "{} messages of the driver's process were dropped: too many, or nothing that ntpool sends",
                self.dropped
            );
            self.outcome.notes.push(note);
        }
        self.outcome.notes.extend(self.symbolizer.notes());
        if self.finished {
            return;
        }
        // Crashes are the driver's doing; what can also come from outside is not called so.
        const DAMAGE: &str = "; the driver most likely wrote over the process it ran in";
        let (how, why) = match (&self.died, ending) {
            (Some(place), _) => (format!("the child died {place}"), DAMAGE),
            _ if unresponsive => {
                ("the child did not answer when its time was over and was ended".to_owned(), "")
            }
            (None, Ending::Killed(6)) => (
                format!("the child died of {}", signal_name(6)),
                "; it had no memory left for its own work, or the driver wrote over the process it ran in",
            ),
            (None, Ending::Killed(signal @ (4 | 5 | 7 | 8 | 11 | 31))) => {
                (format!("the child died of {}", signal_name(signal)), DAMAGE)
            }
            (None, Ending::Killed(signal)) => (
                format!("the child died of {}", signal_name(signal)),
                "; it was ended from outside, by the system for want of memory perhaps, or by the driver",
            ),
            (None, Ending::Exited(PARENT_GONE)) => (
                "the child ended because it could not send what it had found".to_owned(),
                "; Linux has no memory left, or the driver wrote over the process it ran in",
            ),
            (None, Ending::Exited(status)) => {
                (format!("the child exited with status {status} before its end"), DAMAGE)
            }
        };
        if self.phase == Phase::Load {
            // What ends a program that early, the loader of libraries for one, tells why by itself.
            let where_why = match ending {
                Ending::Killed(_) | Ending::Exited(PARENT_GONE) => "",
                Ending::Exited(_) => "; the standard error says why",
            };
            self.limit(format!("{how}, before the driver was entered{where_why}"));
            return;
        }
        self.outcome.findings.push(Finding {
            rule: Rule::HostChildDied.id().to_owned(),
            bug_check: None,
            name: None,
            parameters: None,
            model: None,
            message: format!("{how}{why}"),
            block: None,
            count: 1,
            bytes: None,
            stacks: Vec::new(),
            phase: self.phase,
            processor: 0,
            irql: 0,
            time: 0,
            repeat: self.outcome.repeat.clone(),
        });
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        31 => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({name})")
}
