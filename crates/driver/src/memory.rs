//! Values in the driver's memory, copied in and out with every access guarded.

use ntpool_abi::Field;
use ntpool_abi::zerocopy::{FromBytes, Immutable, IntoBytes};
use ntpool_host::guarded;
use ntpool_machine::Fault;
use ntpool_types::{Bytes, VirtualAddress};

/// Reads a value.
pub(crate) fn read<T: FromBytes + IntoBytes>(address: VirtualAddress) -> Result<T, Fault> {
    let mut value = T::new_zeroed();
    guarded::read(address, value.as_mut_bytes())?;
    Ok(value)
}

/// Writes a value.
pub(crate) fn write<T: IntoBytes + Immutable>(address: VirtualAddress, value: T) -> Result<(), Fault> {
    guarded::write(address, value.as_bytes())
}

/// Reads a member of the structure at `base`.
pub(crate) fn read_field<T: FromBytes + IntoBytes>(
    base: VirtualAddress,
    field: Field<T>,
) -> Result<T, Fault> {
    read(VirtualAddress(field.address_in(base.0)))
}

/// Writes a member of the structure at `base`.
pub(crate) fn write_field<T: IntoBytes + Immutable>(
    base: VirtualAddress,
    field: Field<T>,
    value: T,
) -> Result<(), Fault> {
    write(VirtualAddress(field.address_in(base.0)), value)
}

/// Reads `length` bytes; at most [`LONGEST_COPY`] at once are held.
pub(crate) fn read_bytes(address: VirtualAddress, length: Bytes) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < length.0 {
        let start = bytes.len();
        let chunk = (length.0 - start as u64).min(LONGEST_COPY.0) as usize;
        bytes.resize(start + chunk, 0);
        guarded::read(VirtualAddress(address.0.wrapping_add(start as u64)), &mut bytes[start..])?;
    }
    Ok(bytes)
}

/// Reads `length` bytes as 16-bit units; an odd byte at the end is left out.
pub(crate) fn read_units(address: VirtualAddress, length: Bytes) -> Result<Vec<u16>, Fault> {
    let bytes = read_bytes(address, Bytes(length.0 & !1))?;
    Ok(bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect())
}

/// Writes 16-bit units.
pub(crate) fn write_units(address: VirtualAddress, units: &[u16]) -> Result<(), Fault> {
    guarded::write(address, units.as_bytes())
}

/// Copies within the driver's memory as if through a buffer in between, so overlapping ranges are right.
pub(crate) fn copy(destination: VirtualAddress, source: VirtualAddress, length: Bytes) -> Result<(), Fault> {
    let chunk = |offset: u64, size: u64| -> Result<(), Fault> {
        let mut buffer = vec![0; size as usize];
        guarded::read(VirtualAddress(source.0.wrapping_add(offset)), &mut buffer)?;
        guarded::write(VirtualAddress(destination.0.wrapping_add(offset)), &buffer)
    };
    let upwards = destination <= source;
    let chunks = length.0.div_ceil(LONGEST_COPY.0);
    for nth in 0..chunks {
        let nth = if upwards { nth } else { chunks - 1 - nth };
        let offset = nth * LONGEST_COPY.0;
        chunk(offset, LONGEST_COPY.0.min(length.0 - offset))?;
    }
    Ok(())
}

/// Reads bytes up to a zero byte, without it, at most `limit`.
pub(crate) fn read_terminated(address: VirtualAddress, limit: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    while bytes.len() < limit {
        let at = VirtualAddress(address.0.wrapping_add(bytes.len() as u64));
        let page_left = 0x1000 - at.page_offset().0 as usize;
        let mut chunk = vec![0; page_left.min(limit - bytes.len())];
        guarded::read(at, &mut chunk)?;
        if let Some(end) = chunk.iter().position(|&byte| byte == 0) {
            bytes.extend_from_slice(&chunk[..end]);
            break;
        }
        bytes.append(&mut chunk);
    }
    Ok(bytes)
}

/// Reads 16-bit units up to a zero unit, without it, at most `limit`.
pub(crate) fn read_terminated_units(address: VirtualAddress, limit: usize) -> Result<Vec<u16>, Fault> {
    let mut units = Vec::new();
    while units.len() < limit {
        let unit: u16 = read(VirtualAddress(address.0.wrapping_add(2 * units.len() as u64)))?;
        if unit == 0 {
            break;
        }
        units.push(unit);
    }
    Ok(units)
}

/// The most bytes that one copy holds, so that a length which a driver made up costs no memory.
const LONGEST_COPY: Bytes = Bytes::kib(64);
