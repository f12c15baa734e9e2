//! Hostile images: parsing never panics, and what is accepted can be loaded, unwound and symbolized without panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntpool_image::{Context, Image, StackMemory, Symbols};
use ntpool_types::VirtualAddress;
use std::hint::black_box;

const BASE: VirtualAddress = VirtualAddress(0x2000_0000_0000);
const RSP: u64 = 0x2001_0000_0000;

/// The largest image that is loaded. Larger ones cost only time: their tables have been checked like any other's.
const LARGEST_LOADED: usize = 1 << 20;

/// A stack that takes its words from the input itself, so that the fuzzer decides where a walk leads.
struct InputStack<'input> {
    input: &'input [u8],
    image_size: u64,
}

impl StackMemory for InputStack<'_> {
    fn read_u64(&self, address: u64) -> Option<u64> {
        let place = (address as usize).wrapping_mul(8) % self.input.len();
        let bytes = self.input.get(place..place + 8)?.try_into().ok()?;
        let value = u64::from_le_bytes(bytes);
        // Half of the words lead back into the image; others are taken as they are.
        Some(if value & 1 == 0 { BASE.0 + value % self.image_size } else { value })
    }
}

fuzz_target!(|input: &[u8]| {
    let symbols = Symbols::load(input, None);
    for rva in [0, 0x1000, 0x1004, 0x2000, 0x1_0000, u32::MAX] {
        black_box(symbols.resolve(rva));
    }
    let Ok(image) = Image::parse(input.to_vec()) else { return };
    let size = image.size_of_image().as_usize();
    if size <= LARGEST_LOADED {
        let mut memory = vec![0; size];
        image.load(BASE, &mut memory);
    }
    black_box(symbols.resolve(image.entry_point()));
    let table = image.unwind_table();
    let stack = InputStack { input, image_size: size as u64 };
    for function in table.functions() {
        assert_eq!(table.lookup(function.begin), Some(function));
        function.info.epilogues(function.end).count();
        let last = function.end - 1;
        for rva in [function.begin, function.begin.midpoint(function.end), last] {
            let mut context = Context { rip: BASE.0 + u64::from(rva), ..Context::default() };
            context.set_rsp(RSP + u64::from(rva));
            assert!(table.walk(BASE, &context, &stack, 16).len() <= 16);
            if table.step(BASE, &mut context, &stack).is_ok() {
                assert!(table.function_start(rva).is_some());
            }
        }
    }
});
