//! What the host could not do.

use std::fmt;

/// A request to the operating system that failed.
#[derive(Debug)]
pub struct HostError {
    what: String,
    cause: Option<std::io::Error>,
}

impl HostError {
    /// The failure of the last system call, which was to do `what`.
    pub(crate) fn last(what: impl Into<String>) -> HostError {
        HostError { what: what.into(), cause: Some(std::io::Error::last_os_error()) }
    }

    /// A failure with a known cause.
    pub(crate) fn because(what: impl Into<String>, cause: std::io::Error) -> HostError {
        HostError { what: what.into(), cause: Some(cause) }
    }

    /// A failure that is not a system call's; it was not possible to do `what`.
    #[must_use]
    pub fn plain(what: impl Into<String>) -> HostError {
        HostError { what: what.into(), cause: None }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "could not {}: {cause}", self.what),
            None => write!(f, "could not {}", self.what),
        }
    }
}

impl std::error::Error for HostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}
