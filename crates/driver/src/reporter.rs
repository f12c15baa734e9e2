//! The child's voice: every message goes to the parent at once.

use ntpool_finding::{DeviceRecord, Hex, Limit, LimitKind, Message};
use ntpool_host::channel::{Channel, LARGEST_PACKET};
use ntpool_host::{HostError, child, trap};
use std::sync::OnceLock;

static CHANNEL: OnceLock<Channel> = OnceLock::new();

/// The status with which a child leaves that can't send: its parent is gone, or Linux has no memory for the packet.
pub const PARENT_GONE: i32 = 70;

/// The status with which a child leaves that Linux refused something.
const FAILED: i32 = 1;

/// The status with which a child leaves that found a mistake of its own.
const OWN_FAULT: i32 = 71;

/// Sends messages to the parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reporter {
    channel: &'static Channel,
}

impl Reporter {
    /// The reporter that speaks through this channel, for the rest of the process.
    pub(crate) fn new(channel: Channel) -> Reporter {
        Reporter { channel: CHANNEL.get_or_init(|| channel) }
    }

    /// The channel itself.
    pub(crate) fn channel(&self) -> &'static Channel {
        self.channel
    }

    /// Sends a message; without a parent to hear it the child ends. One that no packet holds becomes a note that says
    /// so.
    pub(crate) fn send(&self, message: &Message) {
        let packet = serde_json::to_vec(message).unwrap_or_default();
        let sent = if packet.len() > LARGEST_PACKET {
            self.try_send(&shortened(message, packet.len()))
        } else {
            self.channel.send(&packet).ok()
        };
        if sent.is_none() {
            child::leave(PARENT_GONE);
        }
    }

    fn try_send(&self, message: &Message) -> Option<()> {
        let packet = serde_json::to_vec(message).ok()?;
        self.channel.send(&packet).ok()
    }

    /// Ends the child because Linux refuses what the machine can't go on without; what was found before has been sent.
    pub(crate) fn give_up(&self, error: &HostError) -> ! {
        let limit = Limit { kind: LimitKind::Host, message: error.to_string(), stacks: Vec::new() };
        self.send(&Message::Limit(limit));
        self.send(&Message::Finished);
        child::leave(FAILED)
    }

    /// Makes a panic, which would be our own mistake, end the run as the machine's limit and not as the driver's fault.
    pub(crate) fn own_up_to_panics(self) {
        std::panic::set_hook(Box::new(move |panic| {
            let message = format!("ntpool itself failed, please report it: {panic}");
            let limit = Limit { kind: LimitKind::Host, message, stacks: Vec::new() };
            if self.try_send(&Message::Limit(limit)).is_some() {
                let _ = self.try_send(&Message::Finished);
            }
            child::leave(OWN_FAULT);
        }));
    }
}

/// The longest text that a shortened message keeps of each it has; names and sentences are shorter, but for a driver that
/// wants to flood the channel.
const LONGEST_TEXT: usize = 2000;

/// A message that a packet holds, in place of one of `length` bytes that none does.
fn shortened(message: &Message, length: usize) -> Message {
    let short = |text: &str| text.chars().take(LONGEST_TEXT).collect::<String>();
    match message.clone() {
        Message::Finding(mut finding) => {
            finding.message = short(&finding.message);
            Message::Finding(finding)
        }
        Message::Limit(limit) => Message::Limit(Limit { message: short(&limit.message), ..limit }),
        Message::Device(device) => Message::Device(DeviceRecord {
            name: device.name.as_deref().map(short),
            links: device.links.iter().take(8).map(|link| short(link)).collect(),
        }),
        _ => Message::Note(format!("a message of {length} bytes was left out: names or lists were too long")),
    }
}

/// Tells the parent that the host's own code was hit, as far as that still works.
pub(crate) const ANNOUNCE_CRASH: trap::CrashAnnouncement = |signal, instruction, address| {
    if let Some(channel) = CHANNEL.get() {
        let message = Message::Died { signal, instruction: Hex(instruction), address: Hex(address) };
        let _ = Reporter { channel }.try_send(&message);
    }
};
