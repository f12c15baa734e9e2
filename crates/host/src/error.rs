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

    /// Whether it failed because whoever has the other end of a channel has closed it.
    #[must_use]
    pub fn is_of_closed_channel(&self) -> bool {
        let kind = self.cause.as_ref().map(std::io::Error::kind);
        matches!(kind, Some(std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset))
    }

    /// A failure that is not a system call's; it was not possible to do `what`.
    #[must_use]
    pub fn plain(what: impl Into<String>) -> HostError {
        HostError { what: what.into(), cause: None }
    }
}

/// What can be done about a refusal, where Linux has one reason for it.
fn way_out(cause: &std::io::Error) -> Option<&'static str> {
    match cause.raw_os_error()? {
        libc::ENOMEM | libc::ENOBUFS => Some(
            "free some memory, or raise what limits it (ulimit -v, vm.max_map_count, a container's limit)",
        ),
        libc::EMFILE => Some("raise the number of files that may be open (ulimit -n)"),
        libc::ENFILE => Some("close files, or raise how many the system may have open (fs.file-max)"),
        libc::EAGAIN => {
            Some("end some processes, or raise how many there may be (ulimit -u, a container's limit)")
        }
        libc::EPERM | libc::EACCES | libc::ENOSYS => {
            Some("Linux or the container that it runs in forbids it: allow the call, or run elsewhere")
        }
        _ => None,
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => match way_out(cause) {
                Some(way) => write!(f, "could not {}: {cause}; {way}", self.what),
                None => write!(f, "could not {}: {cause}", self.what),
            },
            None => write!(f, "could not {}", self.what),
        }
    }
}

impl std::error::Error for HostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Error;

    #[test]
    fn a_refusal_for_want_of_something_names_the_way_out() {
        let shown = |number| HostError::because("do it", Error::from_raw_os_error(number)).to_string();
        assert_eq!(
            shown(libc::EMFILE),
            "could not do it: Too many open files (os error 24); raise the number of files that may be open (ulimit -n)"
        );
        for number in [libc::ENOMEM, libc::ENOBUFS, libc::ENFILE, libc::EAGAIN, libc::EPERM, libc::ENOSYS] {
            assert!(shown(number).contains("); "), "{}", shown(number));
        }
        assert_eq!(shown(libc::EIO), "could not do it: Input/output error (os error 5)");
    }
}
