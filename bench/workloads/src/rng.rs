//! Random numbers, the same in every run.

/// A xorshift generator with a multiplied output.
#[derive(Clone, Copy, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose numbers are told by `seed` alone.
    #[must_use]
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Draws 64 bits.
    #[inline(always)]
    pub fn draw(&mut self) -> u64 {
        let mut x = self.0;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0 = x;
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Draws a number below `end`.
    #[inline(always)]
    pub fn below(&mut self, end: u32) -> u32 {
        (((self.draw() >> 32) * u64::from(end)) >> 32) as u32
    }
}
