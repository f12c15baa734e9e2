//! The run-time library: memory, counted strings, numbers, the version.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::strings::{Counted, write_header};
use crate::allocations::{Requested, Wanted};
use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::Answer;
use crate::text::unicode::{self, IntegerError};
use ntpool_abi::{OsVersionInfo, OsVersionInfoEx};
use ntpool_host::guarded;
use ntpool_machine::Fault;
use ntpool_pool::Contents;
use ntpool_types::{Bytes, NtStatus, PoolKind, Tag, VirtualAddress};
use std::cmp::Ordering;

fn status(status: NtStatus) -> Answer {
    Ok(u64::from(status.0))
}

// ── Memory ────────────────────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn memmove(_: &Session, call: &Call<'_>) -> Answer {
    let destination = call.address(0)?;
    memory::copy(destination, call.address(1)?, call.size(2)?)?;
    Ok(destination.0)
}

pub(super) fn memcpy(session: &Session, call: &Call<'_>) -> Answer {
    memmove(session, call)
}

pub(super) fn memset(_: &Session, call: &Call<'_>) -> Answer {
    let destination = call.address(0)?;
    guarded::fill(destination, call.size(2)?, call.u8(1)?)?;
    Ok(destination.0)
}

/// The number of bytes that are equal from the start, and the order of the first that differ.
fn compare(first: VirtualAddress, second: VirtualAddress, length: Bytes) -> Result<(u64, Ordering), Fault> {
    const CHUNK: u64 = 4096;
    let mut equal = 0;
    while equal < length.0 {
        let size = Bytes((length.0 - equal).min(CHUNK));
        let one = memory::read_bytes(VirtualAddress(first.0.wrapping_add(equal)), size)?;
        let other = memory::read_bytes(VirtualAddress(second.0.wrapping_add(equal)), size)?;
        if let Some(place) = (0..one.len()).find(|&place| one[place] != other[place]) {
            return Ok((equal + place as u64, one[place].cmp(&other[place])));
        }
        equal += size.0;
    }
    Ok((length.0, Ordering::Equal))
}

pub(super) fn memcmp(_: &Session, call: &Call<'_>) -> Answer {
    let (_, order) = compare(call.address(0)?, call.address(1)?, call.size(2)?)?;
    Ok(order as i64 as u64)
}

pub(super) fn RtlCompareMemory(_: &Session, call: &Call<'_>) -> Answer {
    let (equal, _) = compare(call.address(0)?, call.address(1)?, call.size(2)?)?;
    Ok(equal)
}

pub(super) fn RtlCopyMemory(session: &Session, call: &Call<'_>) -> Answer {
    memmove(session, call)
}

pub(super) fn RtlMoveMemory(session: &Session, call: &Call<'_>) -> Answer {
    memmove(session, call)
}

pub(super) fn RtlZeroMemory(_: &Session, call: &Call<'_>) -> Answer {
    guarded::fill(call.address(0)?, call.size(1)?, 0)?;
    Ok(0)
}

pub(super) fn RtlFillMemory(_: &Session, call: &Call<'_>) -> Answer {
    guarded::fill(call.address(0)?, call.size(1)?, call.u8(2)?)?;
    Ok(0)
}

// ── Counted strings ───────────────────────────────────────────────────────────────────────────────────────────────

/// The longest counts of a wide string (MACH-212, MACH-213).
const MAX_USTRING: u16 = 0xFFFE;
/// The longest counts of an 8-bit string: 16 bits, with room for the terminator.
const MAX_STRING: u16 = 0xFFFF;

/// The tag of buffers that the conversions allocate, from paged pool (UNCONFIRMED MACH-218: our choice).
pub(super) const STRING_TAG: Tag = Tag::from_text(*b"Strg");

pub(super) fn RtlInitUnicodeString(_: &Session, call: &Call<'_>) -> Answer {
    let (string, source) = (call.address(0)?, call.address(1)?);
    if source == VirtualAddress::NULL {
        write_header(string, 0, 0, source)?;
        return Ok(0);
    }
    let longest = usize::from(MAX_USTRING - 2) / 2;
    let length = 2 * memory::read_terminated_units(source, longest)?.len() as u16;
    write_header(string, length, length + 2, source)?;
    Ok(0)
}

pub(super) fn RtlInitAnsiString(_: &Session, call: &Call<'_>) -> Answer {
    let (string, source) = (call.address(0)?, call.address(1)?);
    if source == VirtualAddress::NULL {
        write_header(string, 0, 0, source)?;
        return Ok(0);
    }
    let length = memory::read_terminated(source, usize::from(MAX_STRING - 1))?.len() as u16;
    write_header(string, length, length + 1, source)?;
    Ok(0)
}

pub(super) fn RtlInitString(session: &Session, call: &Call<'_>) -> Answer {
    RtlInitAnsiString(session, call)
}

/// Copies what fits, silently (MACH-214); no terminator is written (UNCONFIRMED MACH-215: our choice).
fn copy_string(call: &Call<'_>, unit: u16) -> Answer {
    let to = Counted::read(call.address(0)?)?;
    let from = match call.address(1)? {
        VirtualAddress::NULL => {
            to.set_length(0)?;
            return Ok(0);
        }
        source => Counted::read(source)?,
    };
    let length = from.length.min(to.maximum) / unit * unit;
    memory::copy(to.buffer, from.buffer, Bytes(u64::from(length)))?;
    to.set_length(length)?;
    Ok(0)
}

pub(super) fn RtlCopyUnicodeString(_: &Session, call: &Call<'_>) -> Answer {
    copy_string(call, 2)
}

pub(super) fn RtlCopyString(_: &Session, call: &Call<'_>) -> Answer {
    copy_string(call, 1)
}

/// Appends, or changes nothing when the sum does not fit (MACH-216).
fn append(to: &Counted, units: &[u16]) -> Answer {
    let added = 2 * units.len();
    if usize::from(to.length) + added > usize::from(to.maximum) {
        return status(NtStatus::BUFFER_TOO_SMALL);
    }
    to.write_units(to.length, units)?;
    to.set_length(to.length + added as u16)?;
    status(NtStatus::SUCCESS)
}

pub(super) fn RtlAppendUnicodeStringToString(_: &Session, call: &Call<'_>) -> Answer {
    let to = Counted::read(call.address(0)?)?;
    append(&to, &Counted::read(call.address(1)?)?.units()?)
}

pub(super) fn RtlAppendUnicodeToString(_: &Session, call: &Call<'_>) -> Answer {
    let (to, source) = (Counted::read(call.address(0)?)?, call.address(1)?);
    if source == VirtualAddress::NULL {
        return status(NtStatus::SUCCESS);
    }
    append(&to, &memory::read_terminated_units(source, usize::from(u16::MAX))?)
}

fn compare_units(call: &Call<'_>) -> Result<Ordering, Fault> {
    let (one, other) = (Counted::read(call.address(0)?)?.units()?, Counted::read(call.address(1)?)?.units()?);
    Ok(unicode::compare(&one, &other, call.u8(2)? != 0))
}

pub(super) fn RtlCompareUnicodeString(_: &Session, call: &Call<'_>) -> Answer {
    Ok(compare_units(call)? as i64 as u64)
}

pub(super) fn RtlEqualUnicodeString(_: &Session, call: &Call<'_>) -> Answer {
    Ok(u64::from(compare_units(call)?.is_eq()))
}

pub(super) fn RtlPrefixUnicodeString(_: &Session, call: &Call<'_>) -> Answer {
    let (prefix, text) =
        (Counted::read(call.address(0)?)?.units()?, Counted::read(call.address(1)?)?.units()?);
    Ok(u64::from(unicode::starts_with(&text, &prefix, call.u8(2)? != 0)))
}

fn compare_bytes(call: &Call<'_>) -> Result<Ordering, Fault> {
    let wide = |place| -> Result<Vec<u16>, Fault> {
        Ok(Counted::read(call.address(place)?)?.bytes()?.into_iter().map(unicode::from_ansi).collect())
    };
    Ok(unicode::compare(&wide(0)?, &wide(1)?, call.u8(2)? != 0))
}

pub(super) fn RtlCompareString(_: &Session, call: &Call<'_>) -> Answer {
    Ok(compare_bytes(call)? as i64 as u64)
}

pub(super) fn RtlEqualString(_: &Session, call: &Call<'_>) -> Answer {
    Ok(u64::from(compare_bytes(call)?.is_eq()))
}

pub(super) fn RtlUpcaseUnicodeChar(_: &Session, call: &Call<'_>) -> Answer {
    Ok(u64::from(unicode::upcase(call.argument(0)? as u16)))
}

/// Takes a buffer for a converted string from the pool; the driver frees it with the string.
pub(super) fn allocate_buffer(session: &Session, call: &Call<'_>, size: u16) -> Option<VirtualAddress> {
    let size = Bytes(u64::from(size));
    let wanted = Wanted {
        size,
        kind: PoolKind::Paged,
        tag: STRING_TAG,
        contents: Contents::Uninitialized,
        quota: false,
    };
    session.allocate(call, &wanted)
}

/// Where a conversion's result goes: a fresh buffer of `needed` bytes when the caller asks for one (MACH-217), or the
/// caller's own, when it is large enough.
fn destination(session: &Session, call: &Call<'_>, needed: u16) -> Result<Result<Counted, NtStatus>, Fault> {
    let header = call.address(0)?;
    let mut to = Counted::read(header)?;
    if call.u8(2)? != 0 {
        let Some(buffer) = allocate_buffer(session, call, needed) else {
            return Ok(Err(NtStatus::INSUFFICIENT_RESOURCES));
        };
        write_header(header, 0, needed, buffer)?;
        to = Counted::read(header)?;
    } else if to.maximum < needed {
        return Ok(Err(NtStatus::BUFFER_OVERFLOW));
    }
    Ok(Ok(to))
}

pub(super) fn RtlUpcaseUnicodeString(session: &Session, call: &Call<'_>) -> Answer {
    let source: Vec<u16> =
        Counted::read(call.address(1)?)?.units()?.into_iter().map(unicode::upcase).collect();
    let length = 2 * source.len() as u16;
    match destination(session, call, length)? {
        Err(why) => status(why),
        Ok(to) => {
            to.write_units(0, &source)?;
            to.set_length(length)?;
            status(NtStatus::SUCCESS)
        }
    }
}

pub(super) fn RtlUnicodeStringToAnsiString(session: &Session, call: &Call<'_>) -> Answer {
    let source = Counted::read(call.address(1)?)?.units()?;
    let mut text: Vec<u8> = source.into_iter().map(unicode::to_ansi).collect();
    let length = text.len() as u16;
    text.push(0);
    match destination(session, call, length + 1)? {
        Err(why) => status(why),
        Ok(to) => {
            to.write_bytes(0, &text)?;
            to.set_length(length)?;
            status(NtStatus::SUCCESS)
        }
    }
}

pub(super) fn RtlAnsiStringToUnicodeString(session: &Session, call: &Call<'_>) -> Answer {
    let source = Counted::read(call.address(1)?)?.bytes()?;
    let mut text: Vec<u16> = source.into_iter().map(unicode::from_ansi).collect();
    let Ok(length) = u16::try_from(2 * text.len()) else { return status(NtStatus::INVALID_PARAMETER) };
    let Some(needed) = length.checked_add(2) else { return status(NtStatus::INVALID_PARAMETER) };
    text.push(0);
    match destination(session, call, needed)? {
        Err(why) => status(why),
        Ok(to) => {
            to.write_units(0, &text)?;
            to.set_length(length)?;
            status(NtStatus::SUCCESS)
        }
    }
}

pub(super) fn RtlFreeUnicodeString(session: &Session, call: &Call<'_>) -> Answer {
    let string = Counted::read(call.address(0)?)?;
    if string.buffer != VirtualAddress::NULL {
        session.free(call, Requested { address: string.buffer, tag: None });
        write_header(call.address(0)?, 0, 0, VirtualAddress::NULL)?;
    }
    Ok(0)
}

pub(super) fn RtlFreeAnsiString(session: &Session, call: &Call<'_>) -> Answer {
    RtlFreeUnicodeString(session, call)
}

// ── Numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn RtlUnicodeStringToInteger(_: &Session, call: &Call<'_>) -> Answer {
    let text = Counted::read(call.address(0)?)?.units()?;
    match unicode::parse_integer(&text, call.u32(1)?) {
        Ok(value) => {
            memory::write(call.address(2)?, value)?;
            status(NtStatus::SUCCESS)
        }
        Err(_) => status(NtStatus::INVALID_PARAMETER),
    }
}

pub(super) fn RtlIntegerToUnicodeString(_: &Session, call: &Call<'_>) -> Answer {
    let (value, base) = (call.u32(0)?, call.u32(1)?);
    let text: Result<Vec<u16>, IntegerError> =
        unicode::format_integer(u64::from(value), if base == 0 { 10 } else { base });
    let Ok(text) = text else { return status(NtStatus::INVALID_PARAMETER) };
    let to = Counted::read(call.address(2)?)?;
    let length = 2 * text.len() as u16;
    if length > to.maximum {
        return status(NtStatus::BUFFER_OVERFLOW);
    }
    to.write_units(0, &text)?;
    to.set_length(length)?;
    status(NtStatus::SUCCESS)
}

// ── The version ───────────────────────────────────────────────────────────────────────────────────────────────────

/// Always succeeds; the caller says by the size member which structure it passes (MACH-073).
pub(super) fn RtlGetVersion(session: &Session, call: &Call<'_>) -> Answer {
    let info = call.address(0)?;
    let size = memory::read_field(info, OsVersionInfo::INFO_SIZE)?;
    memory::write_field(info, OsVersionInfo::MAJOR_VERSION, session.version.major)?;
    memory::write_field(info, OsVersionInfo::MINOR_VERSION, session.version.minor)?;
    memory::write_field(info, OsVersionInfo::BUILD_NUMBER, session.version.build)?;
    memory::write_field(info, OsVersionInfo::PLATFORM_ID, 2_u32)?;
    memory::write_field(info, OsVersionInfo::CSD_VERSION, [0_u16; 128])?;
    if u64::from(size) == OsVersionInfoEx::SIZE {
        const WORKSTATION: u8 = 1;
        memory::write_field(info, OsVersionInfoEx::SERVICE_PACK_MAJOR, 0_u16)?;
        memory::write_field(info, OsVersionInfoEx::SERVICE_PACK_MINOR, 0_u16)?;
        memory::write_field(info, OsVersionInfoEx::SUITE_MASK, 0x100_u16)?;
        memory::write_field(info, OsVersionInfoEx::PRODUCT_TYPE, WORKSTATION)?;
    }
    status(NtStatus::SUCCESS)
}
