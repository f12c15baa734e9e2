//! Names as the source has them, from names as the linker has them.
//!
//! A mangled C++ name refers back to its own parts, so that each part can double what has gone before: a few hundred
//! characters unfold to more than a computer holds. Whatever grows past a limit is left mangled.

use cpp_demangle::{DemangleWrite, Symbol};
use std::fmt;

/// The longest name, mangled or not, that is worth a reader's time.
const LONGEST: usize = 4096;

/// The name as the source has it; the name itself where it is not mangled, or can't be read.
pub(super) fn demangle(name: &str) -> String {
    if name.len() > LONGEST {
        return name.to_owned();
    }
    addr2line::demangle(name, gimli::DW_LANG_Rust)
        .filter(|demangled| demangled.len() <= LONGEST)
        .or_else(|| demangle_cpp(name))
        .unwrap_or_else(|| name.to_owned())
}

fn demangle_cpp(name: &str) -> Option<String> {
    let symbol = Symbol::new(name).ok()?;
    let mut text = LimitedText(String::new());
    symbol.structured_demangle(&mut text, &cpp_demangle::DemangleOptions::default()).ok()?;
    Some(text.0)
}

/// Text that ends the writing once it has grown too long.
struct LimitedText(String);

impl DemangleWrite for LimitedText {
    fn write_string(&mut self, part: &str) -> fmt::Result {
        if self.0.len() + part.len() > LONGEST {
            return Err(fmt::Error);
        }
        self.0.push_str(part);
        Ok(())
    }
}
