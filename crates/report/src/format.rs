//! The forms in which an outcome can be written.

use std::fmt;
use std::str::FromStr;

/// A form in which an outcome can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text for a terminal or a log.
    Text,
    /// The versioned JSON form of `ntpool-finding`.
    Json,
}

impl Format {
    /// Every format, in the order in which help texts list them.
    pub const ALL: [Format; 2] = [Format::Text, Format::Json];

    /// The name by which a command line asks for the format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Format, UnknownFormat> {
        Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat { name: name.to_owned() })
    }
}

/// A name that is no format's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat {
    /// The name that was given.
    pub name: String,
}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown report format {:?}: use one of {}",
            self.name,
            Format::ALL.map(Format::name).join(", ")
        )
    }
}

impl std::error::Error for UnknownFormat {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_found_by_the_name_it_shows() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
    }

    #[test]
    fn an_unknown_format_is_refused_with_a_list_of_the_known_ones() {
        let error = "JSON\n".parse::<Format>().unwrap_err();
        assert_eq!(error.to_string(), r#"unknown report format "JSON\n": use one of text, json"#);
    }
}
