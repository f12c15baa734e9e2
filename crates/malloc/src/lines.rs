//! Text for standard error, put together in a buffer on the stack.
//!
//! Safe in a signal handler: nothing is allocated or locked, and the only call is `write`.

use crate::os::process;
use core::fmt;

/// Room for a line and more; longer text is written in parts.
const ROOM: usize = 512;

/// A text that goes to standard error when it is dropped, or when its buffer is full.
pub(crate) struct Lines {
    buffer: [u8; ROOM],
    used: usize,
}

impl Lines {
    /// No text yet.
    pub(crate) fn new() -> Lines {
        Lines { buffer: [0; ROOM], used: 0 }
    }

    fn flush(&mut self) {
        process::write_to_standard_error(&self.buffer[..self.used]);
        self.used = 0;
    }
}

impl fmt::Write for Lines {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.used == ROOM {
                self.flush();
            }
            self.buffer[self.used] = byte;
            self.used += 1;
        }
        Ok(())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.flush();
    }
}
