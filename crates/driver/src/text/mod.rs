//! Text as drivers handle it: the format language of debug prints, and counted UTF-16 strings.
//!
//! Pure functions over bytes, code units and numbers. What they need of a driver's memory they ask for through a
//! trait, so that the guarded access to it stays in one place elsewhere.

pub mod debug_format;
pub mod unicode;
