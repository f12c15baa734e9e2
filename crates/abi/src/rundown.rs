//! Run-down protection.

use crate::layout::nt_struct;

nt_struct! {
    /// What keeps an object from going away while it is in use.
    ///
    /// Its other form, one for each processor, has no public layout; drivers ask for its size.
    RundownRef = "EX_RUNDOWN_REF", 0x8 {
        /// How often it is held, and whether the run-down has begun; or the address of who waits for its end.
        count: u64 = [0x0] COUNT "Count",
    }
    views {
        /// The same as an address.
        PTR: u64 = [0x0] "Ptr";
    }
}
