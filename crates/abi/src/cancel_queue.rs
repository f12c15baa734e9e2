//! Cancel-safe queues of I/O requests.

use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// A queue whose requests can be cancelled at any time; the driver keeps them, by the routines it names here.
    IoCsq = "IO_CSQ", 0x40 {
        /// Which of the two forms it has.
        queue_type: u32 = [0x00] TYPE "Type",
        /// Padding.
        padding: [u8; 4],
        /// The address of the routine that inserts a request.
        insert_irp: u64 = [0x08] INSERT_IRP "CsqInsertIrp",
        /// The address of the routine that removes a request.
        remove_irp: u64 = [0x10] REMOVE_IRP "CsqRemoveIrp",
        /// The address of the routine that finds the next request.
        peek_next_irp: u64 = [0x18] PEEK_NEXT_IRP "CsqPeekNextIrp",
        /// The address of the routine that takes the queue's lock.
        acquire_lock: u64 = [0x20] ACQUIRE_LOCK "CsqAcquireLock",
        /// The address of the routine that gives it back.
        release_lock: u64 = [0x28] RELEASE_LOCK "CsqReleaseLock",
        /// The address of the routine that completes a cancelled request.
        complete_canceled_irp: u64 = [0x30] COMPLETE_CANCELED_IRP "CsqCompleteCanceledIrp",
        /// Reserved.
        reserve_pointer: u64 = [0x38] RESERVE_POINTER "ReservePointer",
    }
}

nt_struct! {
    /// A claim on one request of a queue.
    IoCsqIrpContext = "IO_CSQ_IRP_CONTEXT", 0x18 {
        /// Says that it is one.
        context_type: u32 = [0x00] TYPE "Type",
        /// Padding.
        padding: [u8; 4],
        /// The request, or 0 once it has been removed.
        irp: u64 = [0x08] IRP "Irp",
        /// The queue.
        csq: u64 = [0x10] CSQ "Csq",
    }
}

nt_constants! {
    /// The type of a claim on a request.
    IO_TYPE_CSQ_IRP_CONTEXT: u32 = 1;
    /// The type of a queue whose routine for inserting returns nothing.
    IO_TYPE_CSQ: u32 = 2;
    /// The type of a queue whose routine for inserting may refuse.
    IO_TYPE_CSQ_EX: u32 = 3;
}
