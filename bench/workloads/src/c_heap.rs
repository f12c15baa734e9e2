//! The C allocation functions, whoever provides them.
#![expect(unsafe_code, reason = "calls the C allocation functions and asks where they come from")]

use ntpool_bench_workloads::heap::{Contents, Fresh, Heap, Held};
use ntpool_bench_workloads::memory::Zeroed;
use ntpool_bench_workloads::sizes::Size;
use std::ffi::{CStr, c_char, c_void};
use std::hint::black_box;
use std::ptr::null_mut;

unsafe extern "C" {
    fn malloc(size: usize) -> *mut u8;
    fn calloc(count: usize, size: usize) -> *mut u8;
    fn realloc(block: *mut u8, size: usize) -> *mut u8;
    fn aligned_alloc(alignment: usize, size: usize) -> *mut u8;
    fn free(block: *mut u8);
    fn dladdr(address: *const c_void, information: *mut SharedObject) -> i32;
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// What the dynamic linker knows of an address.
#[repr(C)]
struct SharedObject {
    file: *const c_char,
    base: *mut c_void,
    name: *const c_char,
    address: *mut c_void,
}

/// The heap behind the C functions.
#[derive(Clone, Copy, Debug)]
pub struct CHeap;

/// A block of it, or none.
#[derive(Debug)]
#[repr(transparent)]
pub struct CBlock(*mut u8);

// SAFETY: the C functions may be called on any thread with the blocks of any.
unsafe impl Send for CBlock {}
// SAFETY: null is a pointer.
unsafe impl Zeroed for CBlock {}
// SAFETY: only the functions of this file make blocks.
unsafe impl Held for CBlock {
    const NONE: CBlock = CBlock(null_mut());

    #[inline(always)]
    fn pointer(&self) -> *mut u8 {
        self.0
    }
}

// SAFETY: what C promises of these functions.
unsafe impl Heap for CHeap {
    type Block = CBlock;

    #[inline(always)]
    fn allocate(&self, contents: Contents, size: Size) -> Fresh<CBlock> {
        let block = match contents {
            // SAFETY: any size may be asked for.
            Contents::Any => unsafe { malloc(size.bytes()) },
            // SAFETY: any size may be asked for.
            Contents::Zero => unsafe { calloc(1, size.bytes()) },
        };
        // SAFETY: the block is fresh and of that size. Hidden from the compiler, which else leaves both calls out.
        unsafe { Fresh::new(black_box(CBlock(block)), size) }
    }

    #[inline(always)]
    fn release(&self, block: CBlock) {
        // SAFETY: blocks come from these functions and are not copied.
        unsafe { free(block.0) };
    }
}

impl CHeap {
    /// Allocates at a multiple of a power of two.
    #[inline(always)]
    pub fn allocate_aligned(self, alignment: usize, size: Size) -> Fresh<CBlock> {
        // SAFETY: an alignment that can't be is answered with null.
        let block = unsafe { aligned_alloc(black_box(alignment), size.bytes()) };
        // SAFETY: the block is fresh and of that size.
        unsafe { Fresh::new(black_box(CBlock(block)), size) }
    }

    /// Gives a block another size; the bytes that both sizes have stay.
    #[inline(always)]
    pub fn resize(self, block: CBlock, size: Size) -> Fresh<CBlock> {
        // SAFETY: the block is one of these functions' and ends here.
        let block = unsafe { realloc(block.0, size.bytes()) };
        // SAFETY: the block is fresh and of that size.
        unsafe { Fresh::new(black_box(CBlock(block)), size) }
    }
}

impl CBlock {
    /// The pointer alone, for a slot that several threads see.
    #[inline(always)]
    pub fn into_pointer(self) -> *mut u8 {
        self.0
    }

    /// The block of a pointer.
    ///
    /// # Safety
    /// The pointer is from [`into_pointer`](Self::into_pointer), and nothing else makes a block of it.
    #[inline(always)]
    pub unsafe fn from_pointer(pointer: *mut u8) -> CBlock {
        CBlock(pointer)
    }
}

/// Prints, a line each, the files that the allocation functions come from.
pub fn print_origins() {
    let functions: [(&str, *const ()); 5] = [
        ("malloc", malloc as *const ()),
        ("calloc", calloc as *const ()),
        ("realloc", realloc as *const ()),
        ("aligned_alloc", aligned_alloc as *const ()),
        ("free", free as *const ()),
    ];
    for (name, function) in functions {
        let mut object =
            SharedObject { file: null_mut(), base: null_mut(), name: null_mut(), address: null_mut() };
        // SAFETY: any address may be asked about; the structure is as the C library has it.
        let known = unsafe { dladdr(function.cast(), &raw mut object) } != 0 && !object.file.is_null();
        // SAFETY: the linker's own string, which stays while the object is loaded.
        let file = if known { unsafe { CStr::from_ptr(object.file) }.to_string_lossy() } else { "".into() };
        println!("{name} {file}");
    }
}

/// The empty function that the yardstick exports, when the process is bound to it.
pub fn empty_function() -> Option<extern "C" fn(usize) -> usize> {
    // SAFETY: a name and the default handle.
    let function = unsafe { dlsym(null_mut(), c"bench_noop".as_ptr()) };
    // SAFETY: the yardstick exports the name with this type, and nobody else does.
    (!function.is_null())
        .then(|| unsafe { std::mem::transmute::<*mut c_void, extern "C" fn(usize) -> usize>(function) })
}
