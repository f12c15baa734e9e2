#![expect(unsafe_code, reason = "passes descriptors over an exec and signals a process")]
//! The child process in which a driver runs: this same program, started anew.
//!
//! A fork would copy the caller's threads and locks half-way; a fresh start copies nothing. The child knows what it is
//! by an environment variable and finds there the numbers of the descriptors of its channel and of the driver's image.

use crate::HostError;
use crate::channel::Channel;
use crate::trap::INTERRUPT_SIGNAL;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The environment variable that makes a started program a child.
const ROLE: &str = "NTPOOL_CHILD";
/// A running child, seen from its parent. Dropping it ends the process.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    channel: Channel,
    reaped: bool,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this status.
    Exited(i32),
    /// It was ended by this signal.
    Killed(i32),
}

fn anonymous_file(contents: &[u8]) -> Result<OwnedFd, HostError> {
    // SAFETY: the name is a C string; the call returns a new descriptor or -1.
    let descriptor = unsafe { libc::memfd_create(c"driver image".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(HostError::last("make a file in memory"));
    }
    // SAFETY: the descriptor is new and nobody else's.
    let mut file = unsafe { File::from_raw_fd(descriptor) };
    file.write_all(contents).map_err(|error| HostError::because("write the image for the child", error))?;
    file.rewind().map_err(|error| HostError::because("rewind the image for the child", error))?;
    Ok(file.into())
}

impl Child {
    /// Starts this program again as a child, with the driver's image at hand.
    ///
    /// The program must call [`as_child`] when it starts.
    ///
    /// # Errors
    /// When Linux can't start another process.
    pub fn start(image: &[u8]) -> Result<Child, HostError> {
        let (near, far) = Channel::pair()?;
        let image = anonymous_file(image)?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("ntpool-driver")
            .env_clear()
            .env(ROLE, format!("{},{}", far.descriptor(), image.as_raw_fd()));
        for kept in ["RUST_BACKTRACE", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "TSAN_OPTIONS", "LLVM_PROFILE_FILE"]
        {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).current_dir("/");
        let (channel_source, image_source) = (far.descriptor(), image.as_raw_fd());
        let prepare = move || hand_over(channel_source, image_source);
        // SAFETY: between fork and exec the closure makes system calls only; it allocates nothing and takes no lock.
        unsafe { command.pre_exec(prepare) };
        let process =
            command.spawn().map_err(|error| HostError::because("start the driver's process", error))?;
        Ok(Child { process, channel: near, reaped: false })
    }

    /// The parent's end of the channel.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Asks driver code to stop where it is.
    pub fn interrupt(&self) {
        self.signal(INTERRUPT_SIGNAL);
    }

    /// Ends the process at once.
    pub fn kill(&self) {
        self.signal(libc::SIGKILL);
    }

    fn signal(&self, signal: i32) {
        if let (false, Ok(process)) = (self.reaped, libc::pid_t::try_from(self.process.id())) {
            // SAFETY: the process has not been waited for, so the number is still its own.
            unsafe { libc::kill(process, signal) };
        }
    }

    /// Waits for the process to end, and ends it when it takes longer than `patience`.
    ///
    /// # Errors
    /// When Linux can't tell.
    pub fn wait(&mut self, patience: Duration) -> Result<Ending, HostError> {
        // A child that has closed its channel is nearly gone: looking often at first costs little and wins milliseconds.
        let (mut pause, longest) = (Duration::from_micros(20), Duration::from_millis(5));
        let failed = |error| HostError::because("wait for the driver's process", error);
        let start = Instant::now();
        let status = loop {
            match self.process.try_wait().map_err(failed)? {
                Some(status) => break status,
                None if start.elapsed() > patience => {
                    self.kill();
                    break self.process.wait().map_err(failed)?;
                }
                None => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(longest);
                }
            }
        };
        self.reaped = true;
        Ok(match status.signal() {
            Some(signal) => Ending::Killed(signal),
            None => Ending::Exited(status.code().unwrap_or(-1)),
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            let _ = self.process.wait();
        }
    }
}

/// Lets the child keep the two descriptors, under the numbers they have, and ties its life to its parent's.
fn hand_over(channel: RawFd, image: RawFd) -> std::io::Result<()> {
    for descriptor in [channel, image] {
        // SAFETY: the call takes numbers only; this is the child's own copy of the descriptor.
        if unsafe { libc::fcntl(descriptor, libc::F_SETFD, 0) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    // Where the host's own code and data lie should not differ between runs; a container may forbid asking.
    // SAFETY: the call takes a number only.
    unsafe { libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong) };
    // SAFETY: the call takes a number only.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}

/// What a child was given.
#[derive(Debug)]
pub struct Inheritance {
    /// The child's end of the channel.
    pub channel: Channel,
    /// The bytes of the driver's image.
    pub image: Vec<u8>,
}

/// Whether this program was started as a child.
#[must_use]
pub fn is_child() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// What this program was given, if it was started as a child; at most once.
///
/// # Errors
/// When it claims to be a child and was given nothing usable.
pub fn as_child() -> Result<Option<Inheritance>, HostError> {
    let Some(role) = std::env::var_os(ROLE) else { return Ok(None) };
    // SAFETY: no thread of this program can run yet that reads the environment: children call this before main.
    unsafe { std::env::remove_var(ROLE) };
    let is_open = |descriptor: &RawFd| {
        // SAFETY: asking for flags touches no memory.
        let flags = unsafe { libc::fcntl(*descriptor, libc::F_GETFD) };
        flags >= 0
    };
    let numbers = role.to_str().and_then(|role| role.split_once(',')).and_then(|(channel, image)| {
        let number = |text: &str| text.parse::<RawFd>().ok().filter(|number| *number > 2).filter(is_open);
        Some((number(channel)?, number(image)?))
    });
    let Some((channel, image)) = numbers.filter(|(channel, image)| channel != image) else {
        return Err(HostError::plain(format!("be a child: {ROLE} is set but nothing was handed over")));
    };
    // SAFETY: the descriptors are open, and this program has just been started: nothing else owns them.
    let (channel, mut file) = unsafe { (Channel::inherited(channel), File::from_raw_fd(image)) };
    let mut image = Vec::new();
    file.read_to_end(&mut image).map_err(|error| HostError::because("read the driver's image", error))?;
    Ok(Some(Inheritance { channel, image }))
}

/// Ends the child without running anything that the driver may have damaged.
pub fn leave(status: i32) -> ! {
    // SAFETY: ends the process; no destructor or exit handler runs.
    unsafe { libc::_exit(status) }
}
