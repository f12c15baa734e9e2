//! The format language of the kernel's debug prints.
//!
//! A specification is `%`, flags (`-`, `+`, blank, `#`, `0`), a width, a precision, a size prefix and a type. Each
//! argument is one 8-byte slot, as the x64 calling convention passes variable arguments.
//!
//! | type | what it takes and shows |
//! |---|---|
//! | `d` `i` | a signed integer |
//! | `u` `o` `x` `X` | an unsigned integer in decimal, octal, hexadecimal |
//! | `p` | a pointer: 16 capital hexadecimal digits |
//! | `c` `s` | a byte; a string of bytes up to its NUL. With `l` or `w` as `C` and `S` |
//! | `C` `S` | a UTF-16 unit; a string of them up to its NUL. With `h` as `c` and `s` |
//! | `Z` | a counted string of bytes; with `w` or `l` a counted UTF-16 string |
//! | `%` | a percent sign, without an argument |
//!
//! Integers have 32 bits; `I64`, `ll`, `I`, `j`, `z` and `t` make them 64, `h` 16 and `hh` 8. `l` leaves them at 32,
//! as a C `long` has on Windows.
//!
//! # Our choices, where the documentation is silent or forbids
//! - A floating-point type (`a` `e` `f` `g`, small or capital) is documented as not supported: it takes its argument
//!   and the specification itself is shown, so that its author sees what is wrong and the arguments behind it stay in
//!   step. `n` takes its argument and shows and writes nothing: a format string must not be able to write memory.
//!   [`Formatted::refused`] has the first of these.
//! - Any other type takes no argument and is shown as the one character it is, as the C library documents.
//! - A NULL string, and a counted string whose buffer is NULL, shows `(null)`.
//! - Width and precision of strings count bytes, or UTF-16 units, of the argument.
//! - UTF-16 is shown as UTF-8, an unpaired surrogate as U+FFFD; bytes are passed on as they are.
//! - Text ends at [`MAX_TEXT`], far beyond what is ever transmitted: a width may be two thousand million.
//!
//! # Source
//! MACH-221 to MACH-224; the C library's documentation of format specifications.

use super::unicode;
use std::ops::ControlFlow;

/// The bytes of one call's text that reach the debugger; the caller cuts what is longer (MACH-224).
pub const TRANSMISSION_LIMIT: usize = 512;

/// The bytes of text after which formatting stops.
pub const MAX_TEXT: usize = 64 * 1024;

/// Where a format's arguments and strings come from.
pub trait Arguments {
    /// Why an argument or a string could not be read.
    type Error;

    /// The next 8-byte slot of the variable arguments.
    ///
    /// # Errors
    /// The slot can't be read.
    fn next(&mut self) -> Result<u64, Self::Error>;

    /// Fills `into` from the driver's memory at `address`.
    ///
    /// # Errors
    /// Part of the memory can't be read.
    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Self::Error>;
}

/// What a format and its arguments come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formatted {
    /// The text. Wide strings are UTF-8 in it; bytes from elsewhere are as the driver has them.
    pub text: Vec<u8>,
    /// Whether a Unicode type was used, which is allowed at PASSIVE_LEVEL only (MACH-221).
    pub used_unicode: bool,
    /// The first type that was refused: a floating-point type or `n`.
    pub refused: Option<u8>,
    /// Whether the text was cut at [`MAX_TEXT`].
    pub truncated: bool,
}

/// Formats the arguments as `format` says; a NUL in it ends it.
///
/// Strings are read one character at a time, so nothing behind a terminator, or behind the precision, is touched.
///
/// # Errors
/// The first error of `arguments`.
pub fn format<A: Arguments + ?Sized>(format: &[u8], arguments: &mut A) -> Result<Formatted, A::Error> {
    let end = format.iter().position(|&byte| byte == 0).unwrap_or(format.len());
    let mut rest = &format[..end];
    let mut out = Formatted::default();
    while let [byte, after @ ..] = rest {
        if *byte == b'%' {
            let (specification, after) = Specification::parse(after, arguments)?;
            let source = &rest[..rest.len() - after.len()];
            specification.write(source, &mut out, arguments)?;
            rest = after;
        } else {
            out.text.push(*byte);
            rest = after;
        }
        if out.text.len() > MAX_TEXT {
            out.text.truncate(MAX_TEXT);
            out.truncated = true;
            break;
        }
    }
    Ok(out)
}

/// A size prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Default,
    Char,
    Short,
    Long,
    Wide,
    Int64,
}

/// One specification, the percent sign aside.
#[derive(Clone, Copy, Debug)]
struct Specification {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    size: Size,
    /// The type character; `None` where the format ends within the specification.
    kind: Option<u8>,
}

impl Specification {
    /// Reads a specification from behind its percent sign, and gives what follows it.
    fn parse<'a, A: Arguments + ?Sized>(
        mut rest: &'a [u8],
        arguments: &mut A,
    ) -> Result<(Specification, &'a [u8]), A::Error> {
        let mut found = Specification {
            left: false,
            plus: false,
            blank: false,
            alternate: false,
            zero: false,
            width: 0,
            precision: None,
            size: Size::Default,
            kind: None,
        };
        while let [flag, after @ ..] = rest {
            match flag {
                b'-' => found.left = true,
                b'+' => found.plus = true,
                b' ' => found.blank = true,
                b'#' => found.alternate = true,
                b'0' => found.zero = true,
                _ => break,
            }
            rest = after;
        }
        if let Some(width) = take_number(&mut rest, arguments)? {
            found.left |= width < 0;
            found.width = clamp(width.unsigned_abs());
        }
        if let [b'.', after @ ..] = rest {
            rest = after;
            // A precision of no digits is 0; a negative one, from an argument, is as if it were not there.
            let precision = take_number(&mut rest, arguments)?.unwrap_or(0);
            found.precision = u64::try_from(precision).ok().map(clamp);
        }
        (found.size, rest) = take_size(rest);
        if let [kind, after @ ..] = rest {
            found.kind = Some(*kind);
            rest = after;
        }
        Ok((found, rest))
    }

    /// Writes what the specification shows; `source` is its own text.
    fn write<A: Arguments + ?Sized>(
        &self,
        source: &[u8],
        out: &mut Formatted,
        arguments: &mut A,
    ) -> Result<(), A::Error> {
        let Some(kind) = self.kind else { return Ok(()) };
        match kind {
            b'd' | b'i' => {
                let value = self.signed(arguments.next()?);
                let sign = match (value < 0, self.plus, self.blank) {
                    (true, ..) => "-",
                    (false, true, _) => "+",
                    (false, false, true) => " ",
                    (false, false, false) => "",
                };
                self.number(sign, value.unsigned_abs().to_string(), out);
            }
            b'u' | b'o' | b'x' | b'X' => {
                let value = self.unsigned(arguments.next()?);
                let (prefix, digits) = match kind {
                    b'u' => ("", value.to_string()),
                    b'o' => ("0", format!("{value:o}")),
                    b'x' => ("0x", format!("{value:x}")),
                    _ => ("0X", format!("{value:X}")),
                };
                let marked = self.alternate
                    && match kind {
                        // The mark is the leading zero itself: none is due where there is one already.
                        b'o' if value == 0 => self.precision == Some(0),
                        b'o' => self.precision.unwrap_or(0) <= digits.len(),
                        _ => value != 0,
                    };
                self.number(if marked { prefix } else { "" }, digits, out);
            }
            b'p' => {
                let pointer = arguments.next()?;
                let prefix = if self.alternate { "0X" } else { "" };
                self.number(prefix, format!("{pointer:016X}"), out);
            }
            b'c' | b'C' => {
                let value = arguments.next()?;
                if self.is_wide(kind) {
                    out.used_unicode = true;
                    self.pad(&unicode::to_utf8(&[value as u16]).into_bytes(), 1, out);
                } else {
                    self.pad(&[value as u8], 1, out);
                }
            }
            b's' | b'S' => {
                let address = arguments.next()?;
                if self.is_wide(kind) {
                    self.wide_string(address, None, out, arguments)?;
                } else {
                    self.narrow_string(address, None, out, arguments)?;
                }
            }
            b'Z' => {
                let address = arguments.next()?;
                let (length, buffer) = match address {
                    0 => (0, 0),
                    _ => read_counted(address, arguments)?,
                };
                if matches!(self.size, Size::Wide | Size::Long) {
                    self.wide_string(buffer, Some(length / 2), out, arguments)?;
                } else {
                    self.narrow_string(buffer, Some(length), out, arguments)?;
                }
            }
            b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {
                arguments.next()?;
                out.text.extend_from_slice(source);
                out.refused.get_or_insert(kind);
            }
            b'n' => {
                arguments.next()?;
                out.refused.get_or_insert(kind);
            }
            other => out.text.push(other),
        }
        Ok(())
    }

    /// Whether a character or string type is about UTF-16.
    fn is_wide(&self, kind: u8) -> bool {
        match self.size {
            Size::Long | Size::Wide => true,
            Size::Short | Size::Char => false,
            Size::Default | Size::Int64 => kind.is_ascii_uppercase(),
        }
    }

    fn signed(&self, slot: u64) -> i64 {
        match self.size {
            Size::Int64 => slot.cast_signed(),
            Size::Short => (slot as i16).into(),
            Size::Char => (slot as i8).into(),
            Size::Default | Size::Long | Size::Wide => (slot as i32).into(),
        }
    }

    fn unsigned(&self, slot: u64) -> u64 {
        match self.size {
            Size::Int64 => slot,
            Size::Short => (slot as u16).into(),
            Size::Char => (slot as u8).into(),
            Size::Default | Size::Long | Size::Wide => (slot as u32).into(),
        }
    }

    /// Writes a number: a sign or prefix, zeros up to the precision or the width, and the digits.
    fn number(&self, prefix: &str, digits: String, out: &mut Formatted) {
        let digits = if digits == "0" && self.precision == Some(0) { String::new() } else { digits };
        let zeros = match self.precision {
            Some(precision) => precision.saturating_sub(digits.len()),
            None if self.zero && !self.left => self.width.saturating_sub(prefix.len() + digits.len()),
            None => 0,
        };
        let body = format!("{prefix}{}{digits}", "0".repeat(zeros));
        // What zeros were due is in the body: with a precision the flag does not apply.
        Specification { zero: false, ..*self }.pad(body.as_bytes(), body.len(), out);
    }

    /// Writes a body of `columns` columns, filled to the width.
    fn pad(&self, body: &[u8], columns: usize, out: &mut Formatted) {
        let fill = self.width.saturating_sub(columns);
        if self.left {
            out.text.extend_from_slice(body);
            out.text.resize(out.text.len() + fill, b' ');
        } else {
            out.text.resize(out.text.len() + fill, if self.zero { b'0' } else { b' ' });
            out.text.extend_from_slice(body);
        }
    }

    /// Writes the bytes at `address`: `length` of them, or all up to the NUL.
    fn narrow_string<A: Arguments + ?Sized>(
        &self,
        address: u64,
        length: Option<usize>,
        out: &mut Formatted,
        arguments: &mut A,
    ) -> Result<(), A::Error> {
        let mut bytes = Vec::new();
        if address == 0 {
            bytes.extend(b"(null)".iter().take(self.most(None)));
        } else {
            read_each(address, self.most(length), arguments, |[byte]: [u8; 1]| {
                if byte == 0 && length.is_none() {
                    return ControlFlow::Break(());
                }
                bytes.push(byte);
                ControlFlow::Continue(())
            })?;
        }
        self.pad(&bytes, bytes.len(), out);
        Ok(())
    }

    /// Writes the UTF-16 units at `address`: `length` of them, or all up to the NUL.
    fn wide_string<A: Arguments + ?Sized>(
        &self,
        address: u64,
        length: Option<usize>,
        out: &mut Formatted,
        arguments: &mut A,
    ) -> Result<(), A::Error> {
        out.used_unicode = true;
        let mut units = Vec::new();
        if address == 0 {
            units.extend(b"(null)".map(u16::from).into_iter().take(self.most(None)));
        } else {
            read_each(address, self.most(length), arguments, |unit: [u8; 2]| {
                let unit = u16::from_le_bytes(unit);
                if unit == 0 && length.is_none() {
                    return ControlFlow::Break(());
                }
                units.push(unit);
                ControlFlow::Continue(())
            })?;
        }
        self.pad(unicode::to_utf8(&units).as_bytes(), units.len(), out);
        Ok(())
    }

    /// The most characters to show of a string, which may have a length of its own.
    fn most(&self, length: Option<usize>) -> usize {
        let precision = self.precision.unwrap_or(MAX_TEXT + 1);
        match length {
            Some(length) => length.min(precision),
            None => precision,
        }
    }
}

/// Reads a decimal number, or takes one from an argument where a star stands.
fn take_number<A: Arguments + ?Sized>(rest: &mut &[u8], arguments: &mut A) -> Result<Option<i64>, A::Error> {
    if let [b'*', after @ ..] = *rest {
        *rest = after;
        return Ok(Some((arguments.next()? as i32).into()));
    }
    let mut number = None;
    while let [digit @ b'0'..=b'9', after @ ..] = *rest {
        let sum = number.unwrap_or(0_i64).saturating_mul(10).saturating_add((digit - b'0').into());
        number = Some(sum);
        *rest = after;
    }
    Ok(number)
}

/// A width or precision, no greater than makes the text as long as it may become.
fn clamp(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).min(MAX_TEXT + 1)
}

/// Reads a size prefix, and gives what follows it.
fn take_size(rest: &[u8]) -> (Size, &[u8]) {
    match rest {
        [b'h', b'h', after @ ..] => (Size::Char, after),
        [b'h', after @ ..] => (Size::Short, after),
        [b'l', b'l', after @ ..] | [b'I', b'6', b'4', after @ ..] => (Size::Int64, after),
        [b'I', b'3', b'2', after @ ..] | [b'L', after @ ..] => (Size::Default, after),
        [b'I' | b'j' | b'z' | b't', after @ ..] => (Size::Int64, after),
        [b'l', after @ ..] => (Size::Long, after),
        [b'w', after @ ..] => (Size::Wide, after),
        _ => (Size::Default, rest),
    }
}

/// Reads the length in bytes and the buffer's address from a counted string's descriptor.
fn read_counted<A: Arguments + ?Sized>(address: u64, arguments: &mut A) -> Result<(usize, u64), A::Error> {
    let mut length = [0; 2];
    arguments.read(address, &mut length)?;
    let mut buffer = [0; 8];
    arguments.read(address.wrapping_add(8), &mut buffer)?;
    Ok((u16::from_le_bytes(length).into(), u64::from_le_bytes(buffer)))
}

/// Hands up to `most` characters of `N` bytes from `address` on to `take`, until it has enough.
fn read_each<A: Arguments + ?Sized, const N: usize>(
    address: u64,
    most: usize,
    arguments: &mut A,
    mut take: impl FnMut([u8; N]) -> ControlFlow<()>,
) -> Result<(), A::Error> {
    let mut place = address;
    for _ in 0..most {
        let mut character = [0; N];
        arguments.read(place, &mut character)?;
        if take(character).is_break() {
            break;
        }
        place = place.wrapping_add(N as u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
