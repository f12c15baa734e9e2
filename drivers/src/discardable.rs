//! The discardable mark on a driver's INIT section.
//!
//! A driver puts code that only DriverEntry needs into a section INIT, and the kit's linker marks it as one that
//! may be discarded afterwards (MACH-070). Neither GNU ld nor the assembler it is fed by can set that mark, so it
//! is set in the finished image.
//!
//! # Source
//! Microsoft PE and COFF specification: section table, optional header, checksum.

/// The bit in a section's characteristics that says it may be discarded.
const DISCARDABLE: u32 = 0x0200_0000;

/// The checksum's place in the optional header.
const CHECKSUM: usize = 64;

/// Marks the section INIT of a 64-bit image as discardable. An image without one is left as it is.
///
/// Returns whether the image could be read as far as its section table.
pub(crate) fn mark_init(image: &mut [u8]) -> bool {
    let Some((optional, section)) = find_init(image) else { return false };
    if let Some(section) = section {
        let place = section + 36;
        let Some(old) = u32_at(image, place) else { return false };
        image[place..place + 4].copy_from_slice(&(old | DISCARDABLE).to_le_bytes());
        // An image whose linker wrote no checksum needs none now.
        if u32_at(image, optional + CHECKSUM) != Some(0) {
            let sum = checksum(image, optional + CHECKSUM);
            image[optional + CHECKSUM..][..4].copy_from_slice(&sum.to_le_bytes());
        }
    }
    true
}

/// Where the optional header is, and the header of the section INIT if there is one.
fn find_init(image: &[u8]) -> Option<(usize, Option<usize>)> {
    let header = usize::try_from(u32_at(image, 0x3C)?).ok()?;
    if image.get(header..header + 4)? != b"PE\0\0" {
        return None;
    }
    let count = usize::from(u16_at(image, header + 6)?);
    let optional = header + 24;
    let table = optional + usize::from(u16_at(image, header + 20)?);
    image.get(optional..table + 40 * count)?;
    let init = (0..count).map(|index| table + 40 * index).find(|&at| &image[at..at + 8] == b"INIT\0\0\0\0");
    Some((optional, init))
}

/// The sum of the image's 16-bit words with end-around carry, the checksum's own field left out, plus its length.
fn checksum(image: &[u8], field: usize) -> u32 {
    let mut sum: u32 = 0;
    for (index, pair) in image.chunks(2).enumerate() {
        if (field..field + 4).contains(&(2 * index)) {
            continue;
        }
        let word = u16::from_le_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        sum += u32::from(word);
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum.wrapping_add(u32::try_from(image.len()).unwrap_or(u32::MAX))
}

fn u16_at(image: &[u8], at: usize) -> Option<u16> {
    image.get(at..at + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn u32_at(image: &[u8], at: usize) -> Option<u32> {
    image.get(at..at + 4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image of headers alone: one section of this name, and a checksum field that is not zero.
    fn image(section: [u8; 8]) -> Vec<u8> {
        let mut image = vec![0; 0x200];
        image[0x3C] = 0x40;
        image[0x40..0x44].copy_from_slice(b"PE\0\0");
        image[0x46] = 1;
        image[0x54] = 112;
        image[0x58 + CHECKSUM] = 1;
        image[0x58 + 112..][..8].copy_from_slice(&section);
        image
    }

    #[test]
    fn the_section_init_becomes_discardable_and_the_checksum_follows() {
        let mut marked = image(*b"INIT\0\0\0\0");
        assert!(mark_init(&mut marked));
        assert_eq!(u32_at(&marked, 0x58 + 112 + 36), Some(DISCARDABLE));
        let expected = checksum(&marked, 0x58 + CHECKSUM);
        assert_eq!(u32_at(&marked, 0x58 + CHECKSUM), Some(expected));
    }

    #[test]
    fn an_image_without_init_stays_as_it_is() {
        let mut plain = image(*b".text\0\0\0");
        let before = plain.clone();
        assert!(mark_init(&mut plain));
        assert_eq!(plain, before);
    }

    #[test]
    fn bytes_that_are_no_image_are_refused() {
        assert!(!mark_init(&mut [0; 0x100]));
        let mut short = image(*b"INIT\0\0\0\0");
        short.truncate(0xC0);
        assert!(!mark_init(&mut short));
    }
}
