#![expect(unsafe_code, reason = "calls for the process itself: its environment, its name, its end")]
//! The process itself: its environment, its standard error, its end.
//!
//! # Promise
//! What is read of the environment is copied at once; no reference to it is kept.

use crate::os::errno;
use core::ffi::CStr;
use libc::c_char;

unsafe extern "C" {
    /// The C library's list of environment strings; null until it has been set up, and after `clearenv`.
    static environ: *const *const c_char;
}

/// The value of an environment variable, cut off where it is longer than any that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    bytes: [u8; 32],
    length: usize,
}

impl Value {
    /// A value, or as much of it as there is room for.
    pub(crate) fn new(text: &[u8]) -> Value {
        let mut value = Value { bytes: [0; 32], length: text.len().min(32) };
        value.bytes[..value.length].copy_from_slice(&text[..value.length]);
        value
    }

    /// The value.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Whether the C library knows the environment already.
pub(crate) fn has_environment() -> bool {
    // SAFETY: the C library defines the variable; it is a pointer, read once.
    !unsafe { environ }.is_null()
}

/// The value of the environment variable `name`. To be called at start, before threads could change the environment.
pub(crate) fn variable(name: &[u8]) -> Option<Value> {
    // SAFETY: as in `has_environment`.
    let mut next = unsafe { environ };
    while !next.is_null() {
        // SAFETY: the list is an array of pointers that ends with a null pointer, and this is not behind it.
        let entry = unsafe { *next };
        if entry.is_null() {
            return None;
        }
        // SAFETY: each entry but the last is a C string.
        let entry = unsafe { CStr::from_ptr(entry) }.to_bytes();
        if let Some(value) = entry.strip_prefix(name).and_then(|rest| rest.strip_prefix(b"=")) {
            return Some(Value::new(value));
        }
        // SAFETY: the entry was not the last, so another pointer follows.
        next = unsafe { next.add(1) };
    }
    None
}

/// Writes to the standard error, as much as it takes.
pub(crate) fn write_to_standard_error(mut text: &[u8]) {
    errno::kept(|| {
        while !text.is_empty() {
            // SAFETY: the text is borrowed for the call.
            let written = unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => text = &text[written..],
                Err(_) if errno::get() == libc::EINTR => {}
                _ => return,
            }
        }
    });
}

/// The path of the program, into the buffer; as much as fits, nothing if it can't be had.
pub(crate) fn program_path(buffer: &mut [u8]) -> &[u8] {
    // SAFETY: the name is a C string, and the buffer is ours and as long as said.
    let length =
        unsafe { libc::readlink(c"/proc/self/exe".as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    &buffer[..usize::try_from(length).unwrap_or(0)]
}

/// The number of the process.
pub(crate) fn id() -> i32 {
    // SAFETY: takes nothing and always succeeds.
    unsafe { libc::getpid() }
}

/// Ends the process with the signal for that.
pub(crate) fn abort() -> ! {
    // SAFETY: takes nothing and does not return.
    unsafe { libc::abort() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        assert!(has_environment());
        let path = std::env::var("PATH").expect("a test has a path");
        assert_eq!(variable(b"PATH"), Some(Value::new(path.as_bytes())));
        assert_eq!(variable(b"PAT"), None);
        assert_eq!(variable(b"NTPOOL_NO_SUCH_VARIABLE"), None);
    }

    #[test]
    fn a_long_value_is_cut_off() {
        assert_eq!(Value::new(&[b'x'; 40]).as_bytes(), [b'x'; 32]);
    }

    #[test]
    fn the_program_has_a_path() {
        let expected = std::env::current_exe().expect("a test has a path");
        assert_eq!(program_path(&mut [0; 4096]), expected.as_os_str().as_encoded_bytes());
    }
}
