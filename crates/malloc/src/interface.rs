#![expect(
    unsafe_code,
    reason = "C functions with C's names, which read and write what their callers point to"
)]
//! The C functions.
//!
//! The functions that programs call often have a fast way for threads with a slot of their own; it ends in a jump to the
//! cold one when it can't serve. The cold way wants to know who calls, for the tag. So what it jumps to is a piece of assembler
//! that finds the return address where it was when the C function began, on top of the stack. Where the compiler did not
//! make it a jump, in a build without optimisation, the module that calls is this one, and the tag says so.
//!
//! # Promise
//! A block is written and read here only within the bytes that its owner may use, and only when the owner asks for it
//! (`realloc`) or has not seen it yet.
//!
//! # Source
//! POSIX.1-2024 for `malloc` to `reallocarray`; the GNU C library's manual, and its behaviour where that is silent:
//! `realloc(p, 0)` frees and returns NULL, sizes above `PTRDIFF_MAX` are refused, `memalign` rounds odd alignments up.

use crate::engine::{self, Contents, Engine};
use crate::os::errno;
use crate::size;
use crate::{fatal, start, tags, tls};
use core::arch::naked_asm;
use core::ffi::c_void;
use core::ptr::{self, NonNull};
use libc::{EINVAL, ENOMEM, c_int};

/// Allocates `size` bytes, with whatever was there before in them; at least as aligned as any type of C needs.
///
/// A size of 0 gives an address that no other live block has. Errors: NULL, and ENOMEM in `errno`.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    if tls::fast().is_some() {
        return match engine::allocate_ready(size, Contents::Uninitialized) {
            Some(block) => block.as_ptr().cast(),
            None => fetch(size, Contents::Uninitialized),
        };
    }
    cold_malloc(size)
}

/// Allocates `count` objects of `size` bytes, all bytes zero.
///
/// Errors: NULL, and ENOMEM in `errno`, also when the product is too large.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    if tls::fast().is_some()
        && let Some(bytes) = size::product(count, size)
    {
        return match engine::allocate_ready(bytes, Contents::Zeroed) {
            Some(block) => block.as_ptr().cast(),
            None => fetch(bytes, Contents::Zeroed),
        };
    }
    cold_calloc(count, size)
}

/// Frees a block; does nothing with NULL. `errno` stays as it is.
///
/// An address that is no block's ends the process with a message.
///
/// # Safety
/// The caller owns the block at `address`, or it is NULL, and does not use it any more.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn free(address: *mut c_void) {
    if address.is_null() {
        return;
    }
    if tls::fast().is_some() && engine::free_fast(address.cast()) {
        return;
    }
    free_slowly(address.cast());
}

/// Changes a block's size, in place or by moving what it holds; a block for NULL, none for a size of 0.
///
/// Errors: NULL, and ENOMEM in `errno`; the block is as it was. An address that is no block's ends the process.
///
/// # Safety
/// The caller owns the block at `address`, or it is NULL, and uses what is returned instead of it, unless that is
/// NULL and `size` is not 0.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn realloc(address: *mut c_void, size: usize) -> *mut c_void {
    if tls::fast().is_some()
        && size > 0
        && let Some(usable) = engine::usable_fast(address.cast())
    {
        if size::stays(size, usable) {
            return address;
        }
        // Beyond a page a block may grow or shrink where it is.
        if usable.min(size) <= size::PAGE
            && let Some(block) = engine::allocate_ready(size, Contents::Uninitialized)
        {
            return replace(address.cast(), block, usable.min(size));
        }
    }
    cold_realloc(address, size)
}

/// Moves what a block holds, `bytes` of it, into a new one, and frees it.
#[inline(never)]
extern "C" fn replace(old: *mut u8, new: NonNull<u8>, bytes: usize) -> *mut c_void {
    // SAFETY: both blocks have so many bytes and are live, so they do not overlap.
    unsafe { ptr::copy_nonoverlapping(old, new.as_ptr(), bytes) };
    if !(tls::fast().is_some() && engine::free_fast(old)) {
        free_slowly(old);
    }
    new.as_ptr().cast()
}

/// Allocates `size` bytes at a multiple of `alignment`, a power of two.
///
/// Errors: NULL, and in `errno` EINVAL for another alignment or ENOMEM.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    if let Some(block) = aligned_ready(size::standard_alignment(alignment), size) {
        return block.as_ptr().cast();
    }
    cold_aligned_alloc(alignment, size)
}

/// Allocates `size` bytes at a multiple of `alignment`, rounded up to a power of two.
///
/// Errors: NULL, and in `errno` EINVAL for an alignment that can't be rounded up, or ENOMEM.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    if let Some(block) = aligned_ready(size::rounded_alignment(alignment), size) {
        return block.as_ptr().cast();
    }
    cold_memalign(alignment, size)
}

/// Allocates `size` bytes at a multiple of `alignment`, and stores their address.
///
/// Errors, as the result and not in `errno`: EINVAL for an alignment that is no power of two or no multiple of a
/// pointer's size, ENOMEM; nothing is stored then.
///
/// # Safety
/// A pointer can be stored at `place`.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    if let Some(block) = aligned_ready(size::posix_alignment(alignment), size) {
        // SAFETY: the caller promises that a pointer can be stored there.
        unsafe { place.write(block.as_ptr().cast()) };
        return 0;
    }
    cold_posix_memalign(place, alignment, size)
}

/// A block with an alignment that was found valid, for a thread with a shard of its own whose magazine has one ready.
#[inline(always)]
fn aligned_ready(alignment: Option<usize>, size: usize) -> Option<NonNull<u8>> {
    tls::fast()?;
    engine::allocate_ready(size::aligned_by_class(size, alignment?)?, Contents::Uninitialized)
}

/// Allocates for a thread with a shard of its own when its magazine has no block ready.
#[cold]
#[inline(never)]
fn fetch(size: usize, contents: Contents) -> *mut c_void {
    give(if size <= size::MOST { engine::allocate_fast(size, contents) } else { None })
}

/// Makes a naked function that adds its return address to its arguments, in the given register, and goes on at another.
macro_rules! with_caller {
    ($(#[$attribute:meta])* ($($visibility:tt)*) fn $name:ident($($argument:ident: $kind:ty),*) -> $result:ty, $register:literal, $target:ident) => {
        $(#[$attribute])*
        #[unsafe(naked)]
        $($visibility)* fn $name($($argument: $kind),*) -> $result {
            naked_asm!(
                concat!("mov ", $register, ", qword ptr [rsp]"),
                "jmp {target}",
                target = sym $target,
            )
        }
    };
}

with_caller!(
    #[cold]
    (extern "C") fn cold_malloc(size: usize) -> *mut c_void, "rsi", malloc_for
);

with_caller!(
    #[cold]
    (extern "C") fn cold_calloc(count: usize, size: usize) -> *mut c_void, "rdx", calloc_for
);

with_caller!(
    #[cold]
    (extern "C") fn cold_realloc(address: *mut c_void, size: usize) -> *mut c_void, "rdx", realloc_for
);

with_caller!(
    /// [`realloc`] for `count` objects of `size` bytes.
    ///
    /// Errors: NULL, and ENOMEM in `errno`, also when the product is too large; the block is as it was.
    ///
    /// # Safety
    /// As for [`realloc`].
    #[cfg_attr(not(test), unsafe(no_mangle))]
    (pub unsafe extern "C") fn reallocarray(address: *mut c_void, count: usize, size: usize) -> *mut c_void,
    "rcx", reallocarray_for
);

with_caller!(
    #[cold]
    (extern "C") fn cold_aligned_alloc(alignment: usize, size: usize) -> *mut c_void, "rdx", aligned_alloc_for
);

with_caller!(
    #[cold]
    (extern "C") fn cold_memalign(alignment: usize, size: usize) -> *mut c_void, "rdx", memalign_for
);

with_caller!(
    #[cold]
    (extern "C") fn cold_posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int,
    "rcx", posix_memalign_for
);

with_caller!(
    /// Allocates `size` bytes at a page. Errors: NULL, and ENOMEM in `errno`.
    #[cfg_attr(not(test), unsafe(no_mangle))]
    (pub extern "C") fn valloc(size: usize) -> *mut c_void, "rsi", valloc_for
);

with_caller!(
    /// Allocates whole pages for `size` bytes, at least one. Errors: NULL, and ENOMEM in `errno`.
    #[cfg_attr(not(test), unsafe(no_mangle))]
    (pub extern "C") fn pvalloc(size: usize) -> *mut c_void, "rsi", pvalloc_for
);

/// The bytes of the block that its owner may use, at least as many as were asked for; 0 for NULL.
///
/// An address that is no block's ends the process with a message.
///
/// # Safety
/// The caller owns the block at `address`, or it is NULL.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn malloc_usable_size(address: *mut c_void) -> usize {
    if address.is_null() { 0 } else { usable("malloc_usable_size", address.cast()).1 }
}

/// Gives memory that no block uses back to the system; 1 if there was any, else 0. How much may stay is not heeded.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn malloc_trim(_: usize) -> c_int {
    c_int::from(engine::running().is_some_and(Engine::trim))
}

extern "C" fn malloc_for(size: usize, caller: usize) -> *mut c_void {
    give(allocate(Some(size), size::ALIGNMENT, Contents::Uninitialized, caller))
}

extern "C" fn calloc_for(count: usize, size: usize, caller: usize) -> *mut c_void {
    give(allocate(size::product(count, size), size::ALIGNMENT, Contents::Zeroed, caller))
}

extern "C" fn realloc_for(address: *mut c_void, size: usize, caller: usize) -> *mut c_void {
    reallocate(address.cast(), Some(size), caller)
}

extern "C" fn reallocarray_for(
    address: *mut c_void,
    count: usize,
    size: usize,
    caller: usize,
) -> *mut c_void {
    reallocate(address.cast(), size::product(count, size), caller)
}

extern "C" fn aligned_alloc_for(alignment: usize, size: usize, caller: usize) -> *mut c_void {
    aligned(size::standard_alignment(alignment), Some(size), caller)
}

extern "C" fn memalign_for(alignment: usize, size: usize, caller: usize) -> *mut c_void {
    aligned(size::rounded_alignment(alignment), Some(size), caller)
}

extern "C" fn valloc_for(size: usize, caller: usize) -> *mut c_void {
    aligned(Some(size::PAGE), Some(size), caller)
}

extern "C" fn pvalloc_for(size: usize, caller: usize) -> *mut c_void {
    aligned(Some(size::PAGE), size::whole_pages(size), caller)
}

extern "C" fn posix_memalign_for(
    place: *mut *mut c_void,
    alignment: usize,
    size: usize,
    caller: usize,
) -> c_int {
    let Some(alignment) = size::posix_alignment(alignment) else { return EINVAL };
    let allocated = errno::kept(|| allocate(Some(size), alignment, Contents::Uninitialized, caller));
    let Some(block) = allocated else { return ENOMEM };
    // SAFETY: the caller promises that a pointer can be stored there.
    unsafe { place.write(block.as_ptr().cast()) };
    0
}

fn aligned(alignment: Option<usize>, size: Option<usize>, caller: usize) -> *mut c_void {
    match alignment {
        Some(alignment) => give(allocate(size, alignment, Contents::Uninitialized, caller)),
        None => {
            errno::set(EINVAL);
            ptr::null_mut()
        }
    }
}

/// A block, by the way that serves in every case; `None` also for a size that is none or too large.
fn allocate(size: Option<usize>, alignment: usize, contents: Contents, caller: usize) -> Option<NonNull<u8>> {
    let size = size.filter(|&size| size <= size::MOST)?;
    if tls::fast().is_some()
        && let Some(size) = size::aligned_by_class(size, alignment)
    {
        return engine::allocate_fast(size, contents);
    }
    let engine = start::engine()?;
    // Before the pool is entered: this may ask the dynamic linker, which may allocate.
    let tag = tags::tag_for(caller);
    let block = engine.allocate(size, alignment, contents, tag);
    tags::print_what_is_owed();
    block
}

/// What the caller gets: the block, or NULL and ENOMEM.
fn give(block: Option<NonNull<u8>>) -> *mut c_void {
    match block {
        Some(block) => block.as_ptr().cast(),
        None => {
            errno::set(ENOMEM);
            ptr::null_mut()
        }
    }
}

fn reallocate(address: *mut u8, size: Option<usize>, caller: usize) -> *mut c_void {
    if address.is_null() {
        return give(allocate(size, size::ALIGNMENT, Contents::Uninitialized, caller));
    }
    if size == Some(0) {
        free_slowly(address);
        return ptr::null_mut();
    }
    let Some(size) = size.filter(|&size| size <= size::MOST) else { return give(None) };
    let (engine, usable) = usable("realloc", address);
    if engine.resize(address, size) {
        return address.cast();
    }
    match allocate(Some(size), size::ALIGNMENT, Contents::Uninitialized, caller) {
        Some(block) => replace(address, block, usable.min(size)),
        None => give(None),
    }
}

/// The engine, and the bytes that the block's owner may use. The process ends if there is no such block.
fn usable(function: &str, address: *mut u8) -> (&'static Engine, usize) {
    let engine = engine::running();
    match engine.and_then(|engine| Some((engine, engine.usable(address)?))) {
        Some(found) => found,
        None => fatal::bad_address(function, address),
    }
}

/// Frees a block by the way that serves in every case. The process ends if there is no such block.
#[cold]
extern "C" fn free_slowly(address: *mut u8) {
    let freed = errno::kept(|| match start::engine() {
        Some(engine) => engine.free(address).map_err(Some),
        None => Err(None),
    });
    match freed {
        Ok(()) => tags::print_what_is_owed(),
        Err(Some(violation)) => fatal::bad_free(address, violation),
        Err(None) => fatal::bad_address("free", address),
    }
}
