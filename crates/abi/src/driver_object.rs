//! The driver object: what the system and a driver know about each other.

use crate::layout::{nt_constants, nt_struct};
use crate::{IRP_MJ_MAXIMUM_FUNCTION, UnicodeString};

/// The entries of a driver's table of dispatch routines.
pub const MAJOR_FUNCTION_COUNT: usize = IRP_MJ_MAXIMUM_FUNCTION as usize + 1;

nt_struct! {
    /// What belongs to a driver object and lies outside it.
    DriverExtension = "DRIVER_EXTENSION", 0x28 {
        /// The driver object it belongs to.
        driver_object: u64 = [0x00] DRIVER_OBJECT "DriverObject",
        /// The routine that adds a device.
        add_device: u64 = [0x08] ADD_DEVICE "AddDevice",
        /// How often the reinitialization routine was called.
        count: u32 = [0x10] COUNT "Count",
        /// Padding.
        padding: [u8; 4],
        /// The name of the driver's key in the list of services.
        service_key_name: UnicodeString = [0x18] SERVICE_KEY_NAME "ServiceKeyName",
    }
}

nt_struct! {
    /// A loaded driver (MACH-076).
    DriverObject = "DRIVER_OBJECT", 0x150 {
        /// `IO_TYPE_DRIVER`.
        object_type: i16 = [0x00] TYPE "Type",
        /// The object's size in bytes.
        size: i16 = [0x02] SIZE_OF_OBJECT "Size",
        /// Padding.
        padding: [u8; 4],
        /// The first of the driver's device objects.
        device_object: u64 = [0x08] DEVICE_OBJECT "DeviceObject",
        /// The `DRVO_` flags.
        flags: u32 = [0x10] FLAGS "Flags",
        /// Padding.
        padding_2: [u8; 4],
        /// The image's first byte.
        driver_start: u64 = [0x18] DRIVER_START "DriverStart",
        /// The image's size in bytes.
        driver_size: u32 = [0x20] DRIVER_SIZE "DriverSize",
        /// Padding.
        padding_3: [u8; 4],
        /// The loader's record of the image.
        driver_section: u64 = [0x28] DRIVER_SECTION "DriverSection",
        /// The extension's address.
        driver_extension: u64 = [0x30] DRIVER_EXTENSION "DriverExtension",
        /// The driver's name, such as `\Driver\sample`.
        driver_name: UnicodeString = [0x38] DRIVER_NAME "DriverName",
        /// The address of a counted string: the hardware key of the registry.
        hardware_database: u64 = [0x48] HARDWARE_DATABASE "HardwareDatabase",
        /// A file system's table of fast routines, or 0.
        fast_io_dispatch: u64 = [0x50] FAST_IO_DISPATCH "FastIoDispatch",
        /// The entry routine.
        driver_init: u64 = [0x58] DRIVER_INIT "DriverInit",
        /// The routine that starts a queued request, or 0.
        driver_start_io: u64 = [0x60] DRIVER_START_IO "DriverStartIo",
        /// The unload routine, or 0 for a driver that stays.
        driver_unload: u64 = [0x68] DRIVER_UNLOAD "DriverUnload",
        /// The dispatch routines, by major function code.
        major_function: [u64; MAJOR_FUNCTION_COUNT] = [0x70] MAJOR_FUNCTION "MajorFunction",
    }
}

nt_constants! {
    /// The type number of a device object.
    IO_TYPE_DEVICE: i16 = 3;
    /// The type number of a driver object.
    IO_TYPE_DRIVER: i16 = 4;
    /// The type number of a file object.
    IO_TYPE_FILE: i16 = 5;
    /// The type number of an I/O request packet.
    IO_TYPE_IRP: i16 = 6;
    /// The type number of a device object's extension.
    IO_TYPE_DEVICE_OBJECT_EXTENSION: i16 = 13;
    /// The unload routine has been called.
    DRVO_UNLOAD_INVOKED: u32 = 0x1;
    /// The driver has no routine that adds devices.
    DRVO_LEGACY_DRIVER: u32 = 0x2;
    /// The driver is part of the system.
    DRVO_BUILTIN_DRIVER: u32 = 0x4;
    /// The driver asked to be called again later.
    DRVO_REINIT_REGISTERED: u32 = 0x8;
    /// The entry routine has returned.
    DRVO_INITIALIZED: u32 = 0x10;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mach_076_a_driver_object_has_its_x64_layout() {
        assert_eq!(DriverObject::DEVICE_OBJECT.offset(), 0x08);
        assert_eq!(DriverObject::DRIVER_EXTENSION.offset(), 0x30);
        assert_eq!(DriverObject::DRIVER_NAME.offset(), 0x38);
        assert_eq!(DriverObject::DRIVER_UNLOAD.offset(), 0x68);
        assert_eq!(DriverObject::MAJOR_FUNCTION.offset(), 0x70);
        assert_eq!(MAJOR_FUNCTION_COUNT, 28);
        assert_eq!(DriverObject::SIZE, 0x150);
    }

    #[test]
    fn mach_078_objects_have_their_type_numbers() {
        assert_eq!([IO_TYPE_DEVICE, IO_TYPE_DRIVER, IO_TYPE_IRP], [3, 4, 6]);
    }
}
