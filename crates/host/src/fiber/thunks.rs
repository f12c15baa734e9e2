//! Thunks: the few bytes that an import's slot points to, which lead to the gate with the import's index.

use crate::gate::thunk;
use crate::layout::Window;
use crate::{HostError, arena, guarded};
use ntpool_memory::Protection;
use ntpool_types::{Bytes, VirtualAddress};

/// Makes `pages` of memory hold thunks for the imports 0 to `count`, readable and executable by driver code.
///
/// # Errors
/// When Linux refuses.
pub fn place_thunks(base: VirtualAddress, count: u32) -> Result<Window, HostError> {
    let bytes: Vec<u8> = (0..count).flat_map(thunk).collect();
    let size = Bytes(bytes.len().max(1) as u64).pages_rounded_up().bytes();
    arena::map_anonymous(base, size, Protection::ReadWrite)?;
    guarded::write(base, &bytes)
        .map_err(|fault| HostError::plain(format!("write an import thunk at {}", fault.address)))?;
    arena::protect(base, size, Protection::ReadExecute)?;
    Ok(Window { base, size })
}
