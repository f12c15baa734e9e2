//! The load configuration, of which a loader needs one field: where the security cookie lies.

use crate::ImageError;
use crate::header::Directory;
use crate::mapping::Mapping;
use crate::reader::{u32_at, u64_at};
use ntpool_types::VirtualAddress;

/// Where the 64-bit load configuration holds the cookie's address.
const COOKIE_FIELD: usize = 88;

/// The bytes of the load configuration up to and with that field.
const NEEDED: u32 = 96;

/// The bytes of the cookie itself.
const COOKIE: u64 = 8;

/// Where the security cookie lies, relative to the image, or `None` where the image has none.
pub(crate) fn security_cookie(
    mapping: &Mapping,
    preferred_base: VirtualAddress,
    place: Option<Directory>,
) -> Result<Option<u32>, ImageError> {
    let Some(place) = place else { return Ok(None) };
    // The structure's own first field is its size; the directory's size was fixed by old linkers to please older loaders.
    let head = mapping.table("the load configuration", place.rva, 4)?;
    let size = u32_at(head, 0).unwrap_or_default();
    if size < NEEDED {
        return Err(ImageError::LoadConfigSize(size));
    }
    let fields = mapping.table("the load configuration", place.rva, u64::from(NEEDED))?;
    let address = u64_at(fields, COOKIE_FIELD).unwrap_or_default();
    if address == 0 {
        return Ok(None);
    }
    VirtualAddress(address)
        .offset_from(preferred_base)
        .filter(|rva| mapping.in_one_section(rva.0, COOKIE))
        .and_then(|rva| u32::try_from(rva.0).ok())
        .map(Some)
        .ok_or(ImageError::SecurityCookie { address })
}
