//! The environment variables that turn tags on, and what they mean.

use libc::c_int;

/// Names the way of tagging.
pub(crate) const TAGS: &[u8] = b"NTPOOL_TAGS";

/// Names the signal that prints the table.
pub(crate) const TABLE_SIGNAL: &[u8] = b"NTPOOL_TAGS_SIGNAL";

/// What a variable's value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting<T> {
    /// This.
    Known(T),
    /// Nothing that is known.
    Unknown,
}

/// Whether blocks are tagged by caller.
pub(crate) fn tags(value: Option<&[u8]>) -> Setting<bool> {
    match value {
        None | Some(b"" | b"none") => Setting::Known(false),
        Some(b"caller") => Setting::Known(true),
        Some(_) => Setting::Unknown,
    }
}

/// The signal that prints the table: SIGUSR2 unless another is named, none if that is wanted.
pub(crate) fn signal(value: Option<&[u8]>) -> Setting<Option<c_int>> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Setting::Known(Some(libc::SIGUSR2));
    };
    match value.strip_prefix(b"SIG").unwrap_or(value) {
        b"none" => Setting::Known(None),
        b"HUP" => Setting::Known(Some(libc::SIGHUP)),
        b"USR1" => Setting::Known(Some(libc::SIGUSR1)),
        b"USR2" => Setting::Known(Some(libc::SIGUSR2)),
        b"QUIT" => Setting::Known(Some(libc::SIGQUIT)),
        b"WINCH" => Setting::Known(Some(libc::SIGWINCH)),
        digits => number(digits).map_or(Setting::Unknown, |number| Setting::Known(Some(number))),
    }
}

/// A signal's number.
fn number(digits: &[u8]) -> Option<c_int> {
    let text = core::str::from_utf8(digits).ok()?;
    text.parse().ok().filter(|number| (1..=64).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_caller_turns_tags_on() {
        assert_eq!([None, Some("".as_bytes()), Some(b"none")].map(tags), [Setting::Known(false); 3]);
        assert_eq!(tags(Some(b"caller")), Setting::Known(true));
        assert_eq!(tags(Some(b"callers")), Setting::Unknown);
    }

    #[test]
    fn a_signal_is_a_name_or_a_number_or_none() {
        let known = |number| Setting::Known(Some(number));
        assert_eq!([None, Some("".as_bytes())].map(signal), [known(libc::SIGUSR2); 2]);
        assert_eq!(["USR1", "SIGUSR1", "10"].map(|name| signal(Some(name.as_bytes()))), [known(10); 3]);
        assert_eq!(signal(Some(b"none")), Setting::Known(None));
        assert_eq!(
            ["0", "65", "-1", "USR", "1x"].map(|name| signal(Some(name.as_bytes()))),
            [Setting::Unknown; 5]
        );
    }
}
