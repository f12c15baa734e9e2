//! How the text looks: colour and width.

use anstyle::{AnsiColor, Style as Paint};

/// How the text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether headlines carry terminal colour codes.
    pub colour: bool,
    /// The columns that prose is wrapped to, and beyond which a stack row leaves its circumstances to the next line.
    ///
    /// What a reader copies stays on one line however long it is: frames, the stop, the command that repeats a run
    /// and the last line.
    pub width: usize,
}

impl Default for Style {
    /// No colour, 100 columns: the same on every computer.
    fn default() -> Style {
        Style { colour: false, width: 100 }
    }
}

/// What a coloured line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Something is wrong.
    Bad,
    /// Something is missing.
    Warn,
    /// All is well.
    Good,
}

impl Style {
    /// `text` in the colour of `tone`, or as it is when colour is off.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let colour = match tone {
            Tone::Bad => AnsiColor::Red,
            Tone::Warn => AnsiColor::Yellow,
            Tone::Good => AnsiColor::Green,
        };
        let paint = Paint::new().bold().fg_color(Some(colour.into()));
        format!("{paint}{text}{paint:#}")
    }
}
