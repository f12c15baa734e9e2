//! The child's voice: every message goes to the parent at once.

use ntpool_finding::{Hex, Limit, LimitKind, Message};
use ntpool_host::channel::{Channel, LARGEST_PACKET};
use ntpool_host::{child, trap};
use std::sync::OnceLock;

static CHANNEL: OnceLock<Channel> = OnceLock::new();

/// The status with which a child leaves when its parent is gone.
const PARENT_GONE: i32 = 70;

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
            let note =
                format!("a message of {} bytes was left out: names or lists were too long", packet.len());
            self.try_send(&Message::Note(note))
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

    /// Makes a panic, which would be our own mistake, end the run as the machine's limit and not as the driver's fault.
    pub(crate) fn own_up_to_panics(self) {
        std::panic::set_hook(Box::new(move |panic| {
            let message = format!("ntpool itself failed, please report it: {panic}");
            let limit = Limit { kind: LimitKind::Host, message, stacks: Vec::new() };
            let _ = self.try_send(&Message::Limit(limit));
            let _ = self.try_send(&Message::Finished);
            child::leave(OWN_FAULT);
        }));
    }
}

/// Tells the parent that the host's own code was hit, as far as that still works.
pub(crate) const ANNOUNCE_CRASH: trap::CrashAnnouncement = |signal, instruction, address| {
    if let Some(channel) = CHANNEL.get() {
        let message = Message::Died { signal, instruction: Hex(instruction), address: Hex(address) };
        let _ = Reporter { channel }.try_send(&message);
    }
};
