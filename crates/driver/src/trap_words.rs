//! What the numbers of processor traps and of fast fails say, in words.

/// What a trap's number says (MACH-031); it is the first parameter of the stop for a trap that nothing serves.
pub(crate) fn trap_meaning(number: u64) -> &'static str {
    match number {
        0x0 => "a division error",
        0x1 => "a debug trap",
        0x3 => "a breakpoint",
        0x4 => "an overflow",
        0x5 => "a failed check of bounds",
        0x6 => "an invalid instruction",
        0x7 => "a coprocessor that is not there",
        0x8 => "a double fault",
        0xA => "an invalid task state segment",
        0xB => "a segment that is not present",
        0xC => "a stack fault",
        0xD => "a general protection fault",
        0x10 => "a floating-point error",
        0x11 => "a failed check of alignment",
        _ => "a trap without a name of its own",
    }
}

/// What a fast fail code says (MACH-037, MACH-038); it is the first parameter of the stop for a fast fail.
pub(crate) fn fast_fail_meaning(code: u64) -> &'static str {
    match code {
        0 | 2 => "a function found its stack cookie changed",
        1 => "a virtual function table was not the expected one",
        3 => "a doubly linked list entry was corrupt, as after removing it twice",
        4 => "FAST_FAIL_INCORRECT_STACK",
        5 => "an argument that a check calls fatal was not valid",
        6 => "the stack cookie was not initialized",
        7 => "the program asked for a fatal exit",
        8 => "an array index was out of bounds",
        9 => "registry values of an untrusted hive were queried without a type check",
        10 => "an indirect call went to a place that is no valid target",
        11 => "memory was written that a write guard protects",
        14 => "a reference count was not valid",
        19 => "data that must not change had changed",
        21 => "the chain of exception handlers was not valid",
        28 => "a buffer was accessed out of its bounds",
        29 => "a node of a balanced tree was corrupt",
        _ => "a code that has no public meaning",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers below `end` whose words are the ones of a number that means nothing.
    fn unnamed(end: u64, meaning: fn(u64) -> &'static str) -> Vec<u64> {
        (0..end).filter(|&number| meaning(number) == meaning(u64::MAX)).collect()
    }

    #[test]
    fn mach_031_every_trap_that_the_stop_knows_has_its_number() {
        assert_eq!(unnamed(0x14, trap_meaning), [0x2, 0x9, 0xE, 0xF, 0x12, 0x13]);
        for (number, word) in [
            (0x0, "division"),
            (0x1, "debug"),
            (0x3, "breakpoint"),
            (0x4, "overflow"),
            (0x5, "bounds"),
            (0x6, "instruction"),
            (0x7, "coprocessor"),
            (0x8, "double fault"),
            (0xA, "task state"),
            (0xB, "not present"),
            (0xC, "stack fault"),
            (0xD, "general protection"),
            (0x10, "floating-point"),
            (0x11, "alignment"),
        ] {
            assert!(trap_meaning(number).contains(word), "{number:#x}");
        }
    }

    #[test]
    fn mach_037_every_public_fast_fail_code_has_its_number() {
        let unnamed = unnamed(32, fast_fail_meaning);
        assert_eq!(unnamed, [12, 13, 15, 16, 17, 18, 20, 22, 23, 24, 25, 26, 27, 30, 31]);
        for (code, word) in [
            (0, "cookie changed"),
            (1, "virtual function table"),
            (2, "cookie changed"),
            (3, "list entry"),
            (5, "argument"),
            (6, "not initialized"),
            (7, "exit"),
            (8, "index"),
            (9, "untrusted hive"),
            (10, "indirect call"),
            (11, "write guard"),
            (14, "reference count"),
            (19, "must not change"),
            (21, "exception handlers"),
            (28, "buffer"),
            (29, "tree"),
        ] {
            assert!(fast_fail_meaning(code).contains(word), "{code}");
        }
    }
}
