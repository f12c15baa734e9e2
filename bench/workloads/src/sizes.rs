//! The sizes of blocks, and the distributions that they are drawn from.

use crate::memory;
use crate::rng::Rng;

/// The bytes of a block, at least 8, so that every block has room for a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(u32);

impl Size {
    /// A size; less than 8 bytes become 8.
    #[must_use]
    pub const fn new(bytes: u32) -> Size {
        Size(if bytes < 8 { 8 } else { bytes })
    }

    /// The number of bytes.
    #[inline(always)]
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }
}

/// How many sizes a table has.
const ENTRIES: usize = 4096;

/// Sizes drawn beforehand, so that drawing costs the same for every distribution.
///
/// They lie in memory of their own: neither the allocator under test nor a thread's stack holds them.
#[derive(Clone, Copy, Debug)]
pub struct Sizes(&'static [u32; ENTRIES]);

/// A stand-in for what a kernel allocates: 90 % at most 512 bytes, a tail to a page, 1 % of several pages, 333 bytes on
/// average. Weight in thousandths, lowest and highest size; uniform within.
const KERNEL: [(u32, u32, u32); 18] = [
    (40, 8, 16),
    (140, 17, 32),
    (120, 33, 48),
    (140, 49, 64),
    (80, 65, 80),
    (80, 81, 96),
    (100, 97, 128),
    (60, 129, 192),
    (60, 193, 256),
    (40, 257, 384),
    (40, 385, 512),
    (40, 513, 1024),
    (30, 1025, 2048),
    (20, 2049, 4080),
    (4, 4096, 4096),
    (3, 4097, 8192),
    (2, 8193, 16384),
    (1, 16385, 65536),
];

impl Sizes {
    /// The distribution of a name: `small`, `kern`, or a number of bytes.
    #[must_use]
    pub fn named(name: &str) -> Option<Sizes> {
        match name {
            "small" => Some(Sizes::small()),
            "kern" => Some(Sizes::kernel()),
            bytes => {
                let size = Size::new(bytes.parse().ok()?);
                Some(Sizes::of(|_| size))
            }
        }
    }

    fn of(mut size: impl FnMut(usize) -> Size) -> Sizes {
        let entries = memory::zeroed::<u32>(ENTRIES);
        for (place, entry) in entries.iter_mut().enumerate() {
            *entry = size(place).0;
        }
        Sizes((&*entries).try_into().expect("as many as were asked for"))
    }

    /// Uniform from 8 to 1024 bytes.
    fn small() -> Sizes {
        let mut rng = Rng::new(7);
        Sizes::of(|_| Size::new(8 + rng.below(1017)))
    }

    /// The exact shares of [`KERNEL`], shuffled.
    fn kernel() -> Sizes {
        let mut rng = Rng::new(11);
        let mut sizes = [Size::new(0); ENTRIES];
        let (mut filled, mut weights) = (0, 0);
        for (weight, low, high) in KERNEL {
            weights += weight;
            let end = weights as usize * ENTRIES / 1000;
            for size in &mut sizes[filled..end] {
                *size = Size::new(low + rng.below(high - low + 1));
            }
            filled = end;
        }
        for place in (1..ENTRIES).rev() {
            sizes.swap(place, rng.below(place as u32 + 1) as usize);
        }
        Sizes::of(|place| sizes[place])
    }

    /// Draws a size.
    #[inline(always)]
    pub fn draw(&self, rng: &mut Rng) -> Size {
        self.by(rng.draw() >> 52)
    }

    /// The size that the lowest 12 of these bits choose.
    #[inline(always)]
    #[must_use]
    pub fn by(&self, bits: u64) -> Size {
        Size(self.0[bits as usize % ENTRIES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_sizes_have_the_mean_that_is_told() {
        let mean = Sizes::kernel().0.iter().sum::<u32>() / ENTRIES as u32;
        assert!((310..=350).contains(&mean), "{mean}");
        assert_eq!(KERNEL.iter().map(|(weight, ..)| weight).sum::<u32>(), 1000);
    }

    #[test]
    fn a_distribution_is_the_same_in_every_run() {
        for name in ["small", "kern", "64"] {
            assert_eq!(Sizes::named(name).expect("known").0, Sizes::named(name).expect("known").0);
        }
        assert!(Sizes::named("large").is_none());
    }
}
