//! The child's voice: every message goes to the parent at once.

use ntpool_finding::{Hex, Message};
use ntpool_host::channel::Channel;
use ntpool_host::{child, trap};
use std::sync::OnceLock;

static CHANNEL: OnceLock<Channel> = OnceLock::new();

/// The status with which a child leaves when its parent is gone.
const PARENT_GONE: i32 = 70;

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

    /// Sends a message; without a parent to hear it the child ends.
    pub(crate) fn send(&self, message: &Message) {
        if self.try_send(message).is_none() {
            child::leave(PARENT_GONE);
        }
    }

    fn try_send(&self, message: &Message) -> Option<()> {
        let packet = serde_json::to_vec(message).ok()?;
        self.channel.send(&packet).ok()
    }
}

/// Tells the parent that the host's own code was hit, as far as that still works.
pub(crate) const ANNOUNCE_CRASH: trap::CrashAnnouncement = |signal, instruction, address| {
    if let Some(channel) = CHANNEL.get() {
        let message = Message::Died { signal, instruction: Hex(instruction), address: Hex(address) };
        let _ = Reporter { channel }.try_send(&message);
    }
};
