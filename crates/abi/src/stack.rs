//! The sizes of kernel stacks.

use crate::layout::nt_constants;

nt_constants! {
    /// The bytes of a kernel stack on x64 (MACH-056).
    KERNEL_STACK_SIZE: u64 = 0x6000;
    /// The bytes of a large kernel stack on x64 (MACH-056).
    KERNEL_LARGE_STACK_SIZE: u64 = 0x12000;
    /// The most that a call on an expanded stack may ask for (MACH-057).
    MAXIMUM_EXPANSION_SIZE: u64 = KERNEL_LARGE_STACK_SIZE - 0x1000 / 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mach_056_a_kernel_stack_has_24_kib_and_a_large_one_72() {
        assert_eq!(KERNEL_STACK_SIZE, 24 * 1024);
        assert_eq!(KERNEL_LARGE_STACK_SIZE, 72 * 1024);
    }
}
