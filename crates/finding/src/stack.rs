//! A call stack, from the routine that was running outwards.

use crate::Hex;
use serde::{Deserialize, Serialize};

/// What a stack shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Where the block was allocated.
    Allocated,
    /// Where the block was freed.
    Freed,
    /// Where the offence took place.
    At,
    /// Where the offence took place, when it repeats an earlier deed.
    Again,
    /// Where the thread that ran, or what was left behind, was made.
    Created,
}

/// A call stack with what it shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// What happened there.
    pub role: Role,
    /// The frames, innermost first.
    pub frames: Vec<Frame>,
}

/// One frame of a stack.
///
/// The child fills in the address, the module and the offset; the parent, which trusts only its own copy of the
/// image, adds the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The address of the instruction that trapped, or the one that a call returns to.
    pub address: Hex,
    /// Whether a call returns to the address, so that the call itself lies just before it.
    pub return_address: bool,
    /// The file name of the image that holds the address, if one does.
    pub module: Option<String>,
    /// The address relative to the image's first byte.
    pub offset: Option<Hex>,
    /// The function's name.
    pub function: Option<String>,
    /// The address relative to the function's first byte.
    pub function_offset: Option<Hex>,
    /// The source file as the debug information names it.
    pub file: Option<String>,
    /// The line in that file, from 1.
    pub line: Option<u32>,
}
