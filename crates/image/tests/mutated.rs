//! Damaged images: whatever is done to the bytes of a sound one, parsing does not panic, and what is accepted can be
//! loaded, unwound and symbolized without panic.

mod support;

use ntpool_image::{Context, Image, StackMemory, Symbols};
use ntpool_types::VirtualAddress;
use proptest::prelude::*;
use support::{PE_AT, SECTIONS_AT, put, sample};

/// A stack that is everywhere and holds numbers made from its addresses, many of which lead back into the image.
struct Anywhere {
    seed: u64,
    base: u64,
}

impl StackMemory for Anywhere {
    fn read_u64(&self, address: u64) -> Option<u64> {
        let mixed = (address ^ self.seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        match mixed >> 61 {
            0 => None,
            1 | 2 => Some(mixed),
            _ => Some(self.base + (mixed >> 20 & 0x5FFF)),
        }
    }
}

/// Does with an image everything that can be done with one; gives whether it was accepted.
fn use_everything(file: Vec<u8>, seed: u64) -> bool {
    let length = file.len();
    let symbols = Symbols::load(&file, None);
    for rva in [0, 0x1000, 0x1005, 0x2000, u32::MAX] {
        assert!(symbols.resolve(rva).len() <= length);
    }
    let Ok(image) = Image::parse(file) else { return false };
    let base = VirtualAddress(0x2000_0000_0000);
    assert!(image.imports().len() <= length / 8);
    let size = image.size_of_image();
    let mut memory = vec![0; size.as_usize()];
    image.load(base, &mut memory);
    for import in image.imports() {
        assert!(memory.get(import.slot as usize..import.slot as usize + 8).is_some());
    }
    let table = image.unwind_table();
    let stack = Anywhere { seed, base: base.0 };
    for function in table.functions() {
        assert_eq!(table.lookup(function.begin), Some(function));
        assert!(table.function_start(function.begin).is_some());
        for rva in [function.begin, (function.begin + function.end) / 2, function.end - 1] {
            let mut context = Context { rip: base.0 + u64::from(rva), ..Context::default() };
            context.set_rsp(0x2001_0000_0000 ^ (seed & 0xFF8));
            assert!(table.walk(base, &context, &stack, 40).len() <= 40);
        }
        function.info.epilogues(function.end).count();
    }
    true
}

/// Values that reach the borders of 32-bit arithmetic.
fn extreme() -> impl Strategy<Value = u32> {
    let around = |value: u32| (0..3_u32).prop_map(move |more| value.wrapping_sub(1).wrapping_add(more));
    prop_oneof![
        around(0),
        around(0x200),
        around(0x1000),
        around(0x2000),
        around(0x5000),
        around(0x7FFF_FFFF),
        around(0xFFFF_FFF0),
        any::<u32>()
    ]
}

#[test]
fn the_sound_image_passes_the_same_use() {
    assert!(use_everything(sample().build(), 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_do_no_harm(flips in proptest::collection::vec((0..0xA00_usize, any::<u8>()), 1..8), seed: u64) {
        let mut file = sample().build();
        for (offset, byte) in flips {
            file[offset] ^= byte;
        }
        use_everything(file, seed);
    }

    #[test]
    fn fields_with_extreme_values_do_no_harm(
        fields in proptest::collection::vec((0..0x280_usize, extreme()), 1..4),
        seed: u64,
    ) {
        let mut file = sample().build();
        for (field, value) in fields {
            put(&mut file, field * 4, &value.to_le_bytes());
        }
        use_everything(file, seed);
    }

    #[test]
    fn header_fields_with_extreme_values_do_no_harm(
        fields in proptest::collection::vec((PE_AT / 4..(SECTIONS_AT + 160) / 4, extreme()), 1..3),
        seed: u64,
    ) {
        let mut file = sample().build();
        for (field, value) in fields {
            put(&mut file, field * 4, &value.to_le_bytes());
        }
        use_everything(file, seed);
    }

    #[test]
    fn cut_and_damaged_files_do_no_harm(
        length in 0..0xA00_usize,
        offset in 0..0xA00_usize,
        byte: u8,
        seed: u64,
    ) {
        let mut file = sample().build();
        file[offset] ^= byte;
        file.truncate(length);
        use_everything(file, seed);
    }

    #[test]
    fn unwind_tables_of_any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 48), seed: u64) {
        let mut builder = sample();
        builder.section(".rdata").put(support::INFO_ONE, &bytes);
        use_everything(builder.build(), seed);
    }

    #[test]
    fn code_of_any_bytes_is_unwound_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0x50), seed: u64) {
        let mut builder = sample();
        builder.section(".text").put(0, &bytes);
        prop_assert!(use_everything(builder.build(), seed));
    }
}
