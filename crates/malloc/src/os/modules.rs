#![expect(unsafe_code, reason = "walks the dynamic linker's list of modules")]
//! The modules of the process: the program and its libraries, and where each lies.
//!
//! # Promise
//! Nothing of the linker's list is kept beyond the call-back that shows it.

use core::ffi::{CStr, c_void};
use core::ops::Range;
use core::slice;
use libc::c_int;

/// What is looked for, and what was found.
struct Search<'a> {
    address: usize,
    found: Option<Range<usize>>,
    /// Told the path of the module; empty for the program itself.
    name: &'a mut dyn FnMut(&[u8]),
}

/// The addresses of the module that holds `address`, after `name` was called with its path, which is empty for the
/// program itself.
///
/// Takes the dynamic linker's lock, which a thread may hold that waits for ours: to be called without any.
pub(crate) fn find(address: usize, name: &mut dyn FnMut(&[u8])) -> Option<Range<usize>> {
    let mut search = Search { address, found: None, name };
    // SAFETY: the call-back gets the search back, which lives until the call returns.
    unsafe { libc::dl_iterate_phdr(Some(look_at), (&raw mut search).cast()) };
    search.found
}

unsafe extern "C" fn look_at(info: *mut libc::dl_phdr_info, _: usize, search: *mut c_void) -> c_int {
    // SAFETY: the linker passes a module that lives as long as the call, and the pointer that `find` gave it.
    let (info, search) = unsafe { (&*info, &mut *search.cast::<Search<'_>>()) };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: the linker says where the module's segments are listed and how many there are.
    let segments = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let loaded = || segments.iter().filter(|segment| segment.p_type == libc::PT_LOAD);
    let at = |offset: u64| (info.dlpi_addr.wrapping_add(offset)) as usize;
    let start = loaded().map(|segment| at(segment.p_vaddr)).min();
    let end = loaded().map(|segment| at(segment.p_vaddr.wrapping_add(segment.p_memsz))).max();
    let (Some(start), Some(end)) = (start, end) else { return 0 };
    if !(start..end).contains(&search.address) {
        return 0;
    }
    let path = if info.dlpi_name.is_null() {
        &[]
    } else {
        // SAFETY: the name is a C string that lives as long as the call.
        unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes()
    };
    (search.name)(path);
    search.found = Some(start..end);
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_lies_in_the_module_that_it_came_from() {
        let mut path = Vec::new();
        let here = find as *const () as usize;
        let module = find(here, &mut |name| path = name.to_vec()).expect("a function lies in a module");
        assert!(module.contains(&here));
        assert_eq!(path, b"", "the test is the program itself");
        let library = find(libc::getpid as *const () as usize, &mut |name| path = name.to_vec());
        assert!(library.is_some_and(|library| library != module));
        assert!(path.ends_with(b"libc.so.6"), "{path:?}");
        assert_eq!(find(0, &mut |_| {}), None);
    }
}
