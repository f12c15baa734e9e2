//! A program without the standard library, whose every allocation comes from a static array.
//!
//! `cargo run -p ntpool-heap --example fixed_arena`
//!
//! A kernel looks the same, with memory from its boot loader and a policy that turns interrupts off. What is hosted
//! here is the edges: `main` and `putchar` of the C library, and the standard library's panic handler, which a binary
//! that may unwind can't do without on stable Rust. Nothing else of it is named.
#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "is called by the C library, and calls it")]

extern crate alloc;
// For its panic handler alone.
extern crate std as _;

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::ffi::c_int;
use core::fmt::{self, Write};
use ntpool_heap::{Arena, Heap, NoMemory, PoolBox, PoolKind, Shares, Tag, Tagged, tag};

static ARENA: Arena<{ 2 << 20 }> = Arena::new();

#[global_allocator]
static HEAP: Heap = Heap::on(&ARENA).with_shares(Shares::new(3, 0, 1)).with_tag(Tag::from_text(*b"Kern"));

/// What a part of the program allocates with.
type Devices<'h> = Tagged<'h, { tag(b"Devi") }>;

struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        unsafe extern "C" {
            safe fn putchar(character: c_int) -> c_int;
        }
        text.bytes().try_for_each(|byte| if putchar(byte.into()) < 0 { Err(fmt::Error) } else { Ok(()) })
    }
}

struct Device<'h> {
    name: &'static str,
    next: Option<PoolBox<'h, Device<'h>, { tag(b"Devi") }>>,
}

/// A list of devices, each in a block of its own.
fn probe<'h>(devices: Devices<'h>) -> Result<Device<'h>, NoMemory> {
    let mut list = Device { name: "clock", next: None };
    for name in ["disk", "console"] {
        list = Device { name, next: Some(devices.try_box(list)?) };
    }
    Ok(list)
}

fn print_tags(console: &mut Console) -> fmt::Result {
    let mut result = Ok(());
    HEAP.for_each_tag(|count| {
        let live = count.allocations - count.frees;
        result = result.and_then(|()| {
            writeln!(console, "{} {}: {} allocated, {live} live", count.tag, count.kind, count.allocations)
        });
    });
    result
}

fn run(console: &mut Console) -> fmt::Result {
    HEAP.ready().map_err(|_| fmt::Error)?;

    let devices: Devices = HEAP.tagged();
    match probe(devices) {
        Ok(list) => {
            let mut device = Some(&list);
            while let Some(Device { name, next }) = device {
                writeln!(console, "device {name}")?;
                device = next.as_deref();
            }
        }
        Err(error) => writeln!(console, "{error}")?,
    }

    let mut words = BTreeMap::new();
    for word in ["pool", "heap", "pool", "arena", "pool"] {
        *words.entry(String::from(word)).or_insert(0) += 1;
    }
    for (word, count) in &words {
        writeln!(console, "{word}: {count}")?;
    }
    drop(words);

    match devices.of(PoolKind::Paged).try_box([0_u8; 1 << 20]) {
        Ok(_) => writeln!(console, "a megabyte fits")?,
        Err(error) => writeln!(console, "a megabyte: {error}")?,
    }
    print_tags(console)
}

#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    c_int::from(run(&mut Console).is_err())
}
