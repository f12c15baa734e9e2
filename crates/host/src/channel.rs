#![expect(unsafe_code, reason = "adopts inherited descriptors and calls the socket interface")]
//! Packets between the child and its parent.
//!
//! A packet arrives whole or not at all, in order, and what was sent before a process died can still be read. What is
//! in a packet is not this module's business; the reader trusts nothing.

use crate::HostError;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The largest packet: well under what a socket buffer holds, and more than any one finding needs.
pub const LARGEST_PACKET: usize = 128 * 1024;

/// How often a packet is sent again for which Linux had no memory: for a millisecond or so.
const MOST_TRIES: u32 = 1000;

/// One end of a channel.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
}

/// What a wait for a packet brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A packet.
    Packet(Vec<u8>),
    /// Nothing in the given time.
    Nothing,
    /// The other end is gone and everything it sent has been read.
    Closed,
}

impl Channel {
    /// The two ends of a new channel.
    ///
    /// # Errors
    /// When Linux refuses.
    pub fn pair() -> Result<(Channel, Channel), HostError> {
        let mut ends: [RawFd; 2] = [-1; 2];
        // SAFETY: the array has room for the two descriptors that the call writes.
        let result = unsafe {
            libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr())
        };
        if result != 0 {
            return Err(HostError::last("make a packet channel"));
        }
        // SAFETY: both descriptors are new and nobody else's.
        let adopt = |descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) };
        let [first, second] = ends.map(|descriptor| Channel { socket: adopt(descriptor) });
        Ok((first, second))
    }

    /// The end that this process inherited under a known number.
    ///
    /// # Safety
    /// 1. The descriptor is open and nothing else in this process owns it.
    #[must_use]
    pub unsafe fn inherited(descriptor: RawFd) -> Channel {
        // SAFETY: the caller's promise 1.
        Channel { socket: unsafe { OwnedFd::from_raw_fd(descriptor) } }
    }

    /// The descriptor, to hand on to a child.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Sends a packet, waiting while the other end is slow.
    ///
    /// # Errors
    /// When the packet is larger than [`LARGEST_PACKET`], the other end is gone, or Linux has no memory and gets none.
    pub fn send(&self, packet: &[u8]) -> Result<(), HostError> {
        if packet.len() > LARGEST_PACKET {
            return Err(HostError::plain(format!("send a packet of {} bytes", packet.len())));
        }
        let mut tries = 0;
        loop {
            // SAFETY: the pointer and the length are those of a live slice.
            let sent = unsafe {
                libc::send(self.socket.as_raw_fd(), packet.as_ptr().cast(), packet.len(), libc::MSG_NOSIGNAL)
            };
            if sent >= 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                // What Linux has no memory for now it may have a moment later.
                Some(libc::ENOBUFS | libc::ENOMEM) if tries < MOST_TRIES => {
                    tries += 1;
                    // Confined code may not sleep.
                    std::thread::yield_now();
                }
                _ => return Err(HostError::because("send to the other process", error)),
            }
        }
    }

    /// Waits for a packet, at most for `patience`.
    ///
    /// # Errors
    /// When the socket itself fails.
    pub fn receive(&self, patience: Duration) -> Result<Received, HostError> {
        let mut poll = libc::pollfd { fd: self.socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: one live entry is passed, with its count.
        match unsafe { libc::poll(&raw mut poll, 1, milliseconds) } {
            0 => return Ok(Received::Nothing),
            1.. => {}
            _ => {
                let error = io::Error::last_os_error();
                return match error.kind() {
                    io::ErrorKind::Interrupted => Ok(Received::Nothing),
                    _ => Err(HostError::because("wait for the other process", error)),
                };
            }
        }
        self.take(poll.revents & libc::POLLHUP != 0)
    }

    /// Takes the packet that is there, or the end of the channel when its sender is `gone`.
    fn take(&self, gone: bool) -> Result<Received, HostError> {
        let mut buffer = vec![0; LARGEST_PACKET];
        // SAFETY: the pointer and the length are those of a live, writable buffer.
        let length = unsafe {
            libc::recv(self.socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT)
        };
        match usize::try_from(length) {
            // An empty packet reads like the end; only a gone sender ends a channel.
            Ok(0) if !gone => Ok(Received::Packet(Vec::new())),
            Ok(0) => Ok(Received::Closed),
            Ok(length) => {
                buffer.truncate(length);
                Ok(Received::Packet(buffer))
            }
            Err(_) => {
                let error = io::Error::last_os_error();
                match error.kind() {
                    // The other end was closed with something unread. That is told once, before what it had sent.
                    io::ErrorKind::ConnectionReset => self.take(gone),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(Received::Nothing),
                    _ => Err(HostError::because("receive from the other process", error)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_keep_their_bounds_and_outlive_their_sender() {
        let (near, far) = Channel::pair().unwrap();
        assert_eq!(far.receive(Duration::ZERO).unwrap(), Received::Nothing);
        near.send(b"one").unwrap();
        near.send(&vec![7; LARGEST_PACKET]).unwrap();
        drop(near);
        let patience = Duration::from_secs(5);
        assert_eq!(far.receive(patience).unwrap(), Received::Packet(b"one".to_vec()));
        assert_eq!(far.receive(patience).unwrap(), Received::Packet(vec![7; LARGEST_PACKET]));
        assert_eq!(far.receive(patience).unwrap(), Received::Closed);
    }

    #[test]
    fn what_was_sent_is_heard_though_its_sender_left_something_unread() {
        let (near, far) = Channel::pair().unwrap();
        far.send(b"nobody reads this").unwrap();
        near.send(b"one").unwrap();
        near.send(b"two").unwrap();
        drop(near);
        let patience = Duration::from_secs(5);
        assert_eq!(far.receive(patience).unwrap(), Received::Packet(b"one".to_vec()));
        assert_eq!(far.receive(patience).unwrap(), Received::Packet(b"two".to_vec()));
        assert_eq!(far.receive(patience).unwrap(), Received::Closed);
    }

    #[test]
    fn an_empty_packet_is_not_the_end() {
        let (near, far) = Channel::pair().unwrap();
        near.send(b"").unwrap();
        near.send(b"more").unwrap();
        let patience = Duration::from_secs(5);
        assert_eq!(far.receive(patience).unwrap(), Received::Packet(Vec::new()));
        assert_eq!(far.receive(patience).unwrap(), Received::Packet(b"more".to_vec()));
    }

    #[test]
    fn a_packet_that_is_too_large_is_refused() {
        let (near, _far) = Channel::pair().unwrap();
        let error = near.send(&vec![0; LARGEST_PACKET + 1]).unwrap_err();
        assert_eq!(error.to_string(), "could not send a packet of 131073 bytes");
    }
}
