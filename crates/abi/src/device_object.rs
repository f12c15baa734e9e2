//! The device object: what requests are sent to.

use crate::layout::{nt_constants, nt_struct};
use crate::{KDpc, KEvent, ListEntry};

nt_struct! {
    /// A link in a device queue.
    KDeviceQueueEntry = "KDEVICE_QUEUE_ENTRY", 0x18 {
        /// The link.
        device_list_entry: ListEntry = [0x00] DEVICE_LIST_ENTRY "DeviceListEntry",
        /// By what a sorted queue is sorted.
        sort_key: u32 = [0x10] SORT_KEY "SortKey",
        /// Whether it is in a queue.
        inserted: u8 = [0x14] INSERTED "Inserted",
        /// Padding.
        padding: [u8; 3],
    }
}

nt_struct! {
    /// A queue of requests that wait for a device.
    KDeviceQueue = "KDEVICE_QUEUE", 0x28 {
        /// The kind of object.
        object_type: i16 = [0x00] TYPE "Type",
        /// The object's size in bytes.
        size: i16 = [0x02] SIZE_OF_OBJECT "Size",
        /// Padding.
        padding: [u8; 4],
        /// The requests.
        device_list_head: ListEntry = [0x08] DEVICE_LIST_HEAD "DeviceListHead",
        /// Guards the rest.
        lock: u64 = [0x18] LOCK "Lock",
        /// Whether the device is at work.
        busy: u8 = [0x20] BUSY "Busy",
        /// For the system.
        hint: [u8; 7],
    }
}

nt_struct! {
    /// A device (MACH-077).
    DeviceObject = "DEVICE_OBJECT", 0x150 {
        /// `IO_TYPE_DEVICE`.
        object_type: i16 = [0x00] TYPE "Type",
        /// The bytes of the object and its device extension.
        size: u16 = [0x02] SIZE_OF_OBJECT "Size",
        /// Who uses it.
        reference_count: i32 = [0x04] REFERENCE_COUNT "ReferenceCount",
        /// The driver it belongs to.
        driver_object: u64 = [0x08] DRIVER_OBJECT "DriverObject",
        /// The driver's next device.
        next_device: u64 = [0x10] NEXT_DEVICE "NextDevice",
        /// The device above it in its stack.
        attached_device: u64 = [0x18] ATTACHED_DEVICE "AttachedDevice",
        /// The request that the driver is working on.
        current_irp: u64 = [0x20] CURRENT_IRP "CurrentIrp",
        /// Its timer.
        timer: u64 = [0x28] TIMER "Timer",
        /// The `DO_` flags.
        flags: u32 = [0x30] FLAGS "Flags",
        /// The `FILE_` characteristics.
        characteristics: u32 = [0x34] CHARACTERISTICS "Characteristics",
        /// The volume parameter block.
        vpb: u64 = [0x38] VPB "Vpb",
        /// The driver's own memory.
        device_extension: u64 = [0x40] DEVICE_EXTENSION "DeviceExtension",
        /// The kind of device, a `FILE_DEVICE_` number.
        device_type: u32 = [0x48] DEVICE_TYPE "DeviceType",
        /// The stack locations that a request to it needs.
        stack_size: i8 = [0x4C] STACK_SIZE "StackSize",
        /// Padding.
        padding: [u8; 3],
        /// For the system.
        queue: [u64; 9] = [0x50] QUEUE "Queue",
        /// The alignment of buffers, minus one.
        alignment_requirement: u32 = [0x98] ALIGNMENT_REQUIREMENT "AlignmentRequirement",
        /// Padding.
        padding_2: [u8; 4],
        /// The requests that wait.
        device_queue: KDeviceQueue = [0xA0] DEVICE_QUEUE "DeviceQueue",
        /// Its deferred procedure call.
        dpc: KDpc = [0xC8] DPC "Dpc",
        /// For file systems.
        active_thread_count: u32 = [0x108] ACTIVE_THREAD_COUNT "ActiveThreadCount",
        /// Padding.
        padding_3: [u8; 4],
        /// Who may open it.
        security_descriptor: u64 = [0x110] SECURITY_DESCRIPTOR "SecurityDescriptor",
        /// Guards it.
        device_lock: KEvent = [0x118] DEVICE_LOCK "DeviceLock",
        /// The bytes of a sector, for a volume.
        sector_size: u16 = [0x130] SECTOR_SIZE "SectorSize",
        /// Unused.
        spare1: u16 = [0x132] SPARE1 "Spare1",
        /// Padding.
        padding_4: [u8; 4],
        /// What belongs to the object and lies outside it.
        device_object_extension: u64 = [0x138] DEVICE_OBJECT_EXTENSION "DeviceObjectExtension",
        /// Reserved.
        reserved: u64 = [0x140] RESERVED "Reserved",
        /// Padding: the object is aligned to 16 bytes, so that a device extension behind it is aligned too.
        padding_5: [u8; 8],
    }
}

nt_constants! {
    /// Reads and writes go through a system buffer.
    DO_BUFFERED_IO: u32 = 0x4;
    /// One handle at a time.
    DO_EXCLUSIVE: u32 = 0x8;
    /// Reads and writes go through a memory descriptor list.
    DO_DIRECT_IO: u32 = 0x10;
    /// The device has a name.
    DO_DEVICE_HAS_NAME: u32 = 0x40;
    /// The device cannot be opened yet.
    DO_DEVICE_INITIALIZING: u32 = 0x80;
    /// The driver asked to be told of shutdown.
    DO_SHUTDOWN_REGISTERED: u32 = 0x800;
    /// A bus driver's device.
    DO_BUS_ENUMERATED_DEVICE: u32 = 0x1000;
    /// Power requests come at PASSIVE_LEVEL.
    DO_POWER_PAGABLE: u32 = 0x2000;
    /// The device draws much current when it starts.
    DO_POWER_INRUSH: u32 = 0x4000;
    /// The device that drops everything.
    FILE_DEVICE_NULL: u32 = 0x15;
    /// A device of no standard kind.
    FILE_DEVICE_UNKNOWN: u32 = 0x22;
    /// The device object's security descriptor holds for names below it too.
    FILE_DEVICE_SECURE_OPEN: u32 = 0x100;
    /// Buffers are aligned to 64 bytes.
    FILE_64_BYTE_ALIGNMENT: u32 = 0x3F;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mach_077_a_device_object_has_its_x64_layout() {
        let offsets = [
            (DeviceObject::SIZE_OF_OBJECT.offset(), 0x02),
            (DeviceObject::REFERENCE_COUNT.offset(), 0x04),
            (DeviceObject::DRIVER_OBJECT.offset(), 0x08),
            (DeviceObject::NEXT_DEVICE.offset(), 0x10),
            (DeviceObject::ATTACHED_DEVICE.offset(), 0x18),
            (DeviceObject::FLAGS.offset(), 0x30),
            (DeviceObject::DEVICE_EXTENSION.offset(), 0x40),
            (DeviceObject::DEVICE_TYPE.offset(), 0x48),
            (DeviceObject::STACK_SIZE.offset(), 0x4C),
            (DeviceObject::ALIGNMENT_REQUIREMENT.offset(), 0x98),
        ];
        for (ours, theirs) in offsets {
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn mach_086_device_flags_have_their_values() {
        let flags = [
            DO_BUFFERED_IO,
            DO_EXCLUSIVE,
            DO_DIRECT_IO,
            DO_DEVICE_INITIALIZING,
            DO_POWER_PAGABLE,
            DO_POWER_INRUSH,
        ];
        assert_eq!(flags, [0x4, 0x8, 0x10, 0x80, 0x2000, 0x4000]);
    }
}
