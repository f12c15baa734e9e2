//! The I/O request packet.

use crate::layout::{nt_constants, nt_struct};
use crate::{IoStatusBlock, ListEntry};

nt_struct! {
    /// A request; its stack locations follow it (MACH-109).
    Irp = "IRP", 0xD0 {
        /// `IO_TYPE_IRP`.
        object_type: i16 = [0x00] TYPE "Type",
        /// The bytes of the packet and its stack locations.
        size: u16 = [0x02] SIZE_OF_PACKET "Size",
        /// Padding.
        padding: [u8; 4],
        /// The memory descriptor list of a direct buffer, or 0.
        mdl_address: u64 = [0x08] MDL_ADDRESS "MdlAddress",
        /// The `IRP_` flags.
        flags: u32 = [0x10] FLAGS "Flags",
        /// Padding.
        padding_2: [u8; 4],
        /// The system buffer, or the master packet.
        associated_irp: u64 = [0x18] ASSOCIATED_IRP "AssociatedIrp",
        /// A link in the thread's list of requests.
        thread_list_entry: ListEntry = [0x20] THREAD_LIST_ENTRY "ThreadListEntry",
        /// How the request ended.
        io_status: IoStatusBlock = [0x30] IO_STATUS "IoStatus",
        /// 0 for a request of the kernel's, 1 for one of user mode.
        requestor_mode: i8 = [0x40] REQUESTOR_MODE "RequestorMode",
        /// Whether a lower driver marked it pending.
        pending_returned: u8 = [0x41] PENDING_RETURNED "PendingReturned",
        /// The number of stack locations.
        stack_count: i8 = [0x42] STACK_COUNT "StackCount",
        /// The number of the current stack location, counted from 1; the count plus one before the first driver.
        current_location: i8 = [0x43] CURRENT_LOCATION "CurrentLocation",
        /// Whether it is to be cancelled.
        cancel: u8 = [0x44] CANCEL "Cancel",
        /// The level to return to when the cancel lock is released.
        cancel_irql: u8 = [0x45] CANCEL_IRQL "CancelIrql",
        /// For the system.
        apc_environment: i8 = [0x46] APC_ENVIRONMENT "ApcEnvironment",
        /// How the packet was allocated.
        allocation_flags: u8 = [0x47] ALLOCATION_FLAGS "AllocationFlags",
        /// The requester's status block.
        user_iosb: u64 = [0x48] USER_IOSB "UserIosb",
        /// The requester's event.
        user_event: u64 = [0x50] USER_EVENT "UserEvent",
        /// The requester's completion call, or the size of a new file.
        overlay: [u64; 2] = [0x58] OVERLAY "Overlay",
        /// The routine that cancels it, or 0.
        cancel_routine: u64 = [0x68] CANCEL_ROUTINE "CancelRoutine",
        /// The requester's buffer.
        user_buffer: u64 = [0x70] USER_BUFFER "UserBuffer",
        /// What drivers and the system use while it is under way.
        tail: [u64; 11] = [0x78] TAIL "Tail",
    }
    views {
        /// The buffer of a buffered request.
        SYSTEM_BUFFER: u64 = [0x18] "AssociatedIrp.SystemBuffer";
        /// Four pointers for the driver that owns the packet.
        DRIVER_CONTEXT: [u64; 4] = [0x78] "Tail.Overlay.DriverContext";
        /// The thread that made the request.
        THREAD: u64 = [0x98] "Tail.Overlay.Thread";
        /// A link for the driver that owns the packet.
        LIST_ENTRY: ListEntry = [0xA8] "Tail.Overlay.ListEntry";
        /// The current stack location's address.
        CURRENT_STACK_LOCATION: u64 = [0xB8] "Tail.Overlay.CurrentStackLocation";
        /// The file object that the request was made through.
        ORIGINAL_FILE_OBJECT: u64 = [0xC0] "Tail.Overlay.OriginalFileObject";
    }
}

nt_constants! {
    /// The packet has a system buffer.
    IRP_BUFFERED_IO: u32 = 0x10;
    /// The system buffer is freed with the packet.
    IRP_DEALLOCATE_BUFFER: u32 = 0x20;
    /// The system buffer is copied to the requester.
    IRP_INPUT_OPERATION: u32 = 0x40;
    /// Open.
    IRP_MJ_CREATE: u8 = 0x00;
    /// The last handle is closed and no request is left.
    IRP_MJ_CLOSE: u8 = 0x02;
    /// Read.
    IRP_MJ_READ: u8 = 0x03;
    /// Write.
    IRP_MJ_WRITE: u8 = 0x04;
    /// Device control, from user mode too.
    IRP_MJ_DEVICE_CONTROL: u8 = 0x0E;
    /// Device control among drivers.
    IRP_MJ_INTERNAL_DEVICE_CONTROL: u8 = 0x0F;
    /// The system goes down.
    IRP_MJ_SHUTDOWN: u8 = 0x10;
    /// The last handle is closed.
    IRP_MJ_CLEANUP: u8 = 0x12;
    /// Power.
    IRP_MJ_POWER: u8 = 0x16;
    /// Management instrumentation.
    IRP_MJ_SYSTEM_CONTROL: u8 = 0x17;
    /// Plug and play.
    IRP_MJ_PNP: u8 = 0x1B;
    /// The highest major function code.
    IRP_MJ_MAXIMUM_FUNCTION: u8 = 0x1B;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mach_109_a_request_packet_has_its_x64_layout() {
        let offsets = [
            (Irp::MDL_ADDRESS.offset(), 0x08),
            (Irp::FLAGS.offset(), 0x10),
            (Irp::ASSOCIATED_IRP.offset(), 0x18),
            (Irp::IO_STATUS.offset(), 0x30),
            (Irp::REQUESTOR_MODE.offset(), 0x40),
            (Irp::PENDING_RETURNED.offset(), 0x41),
            (Irp::STACK_COUNT.offset(), 0x42),
            (Irp::CURRENT_LOCATION.offset(), 0x43),
            (Irp::CANCEL.offset(), 0x44),
            (Irp::CANCEL_IRQL.offset(), 0x45),
            (Irp::USER_IOSB.offset(), 0x48),
            (Irp::USER_EVENT.offset(), 0x50),
            (Irp::CANCEL_ROUTINE.offset(), 0x68),
            (Irp::USER_BUFFER.offset(), 0x70),
            (Irp::TAIL.offset(), 0x78),
            (Irp::SIZE, 0xD0),
        ];
        for (ours, theirs) in offsets {
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn request_flags_have_their_values() {
        assert_eq!([IRP_BUFFERED_IO, IRP_DEALLOCATE_BUFFER, IRP_INPUT_OPERATION], [0x10, 0x20, 0x40]);
    }
}
