//! How a driver connects a routine to interrupts.
//!
//! The interrupt object itself has no public layout.

use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// What is to be connected; its version says which of three forms follows.
    ConnectInterruptParameters = "IO_CONNECT_INTERRUPT_PARAMETERS", 0x50 {
        /// The form; on return, what the system has.
        version: u32 = [0x00] VERSION "Version",
        /// Padding.
        padding: [u8; 4],
        /// The form.
        form: [u8; 0x48],
    }
    views {
        /// The fully specified form.
        FULLY_SPECIFIED: ConnectFullySpecified = [0x08] "FullySpecified";
        /// The form for a device's interrupt line.
        LINE_BASED: ConnectLineBased = [0x08] "LineBased";
        /// The form for a device's interrupt messages.
        MESSAGE_BASED: ConnectMessageBased = [0x08] "MessageBased";
    }
}

nt_struct! {
    /// An interrupt whose vector, level and processors the driver gives.
    ConnectFullySpecified = "IO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS", 0x48 {
        /// The device.
        physical_device_object: u64 = [0x00] PHYSICAL_DEVICE_OBJECT "PhysicalDeviceObject",
        /// Where the interrupt object's address goes.
        interrupt_object: u64 = [0x08] INTERRUPT_OBJECT "InterruptObject",
        /// The routine's address.
        service_routine: u64 = [0x10] SERVICE_ROUTINE "ServiceRoutine",
        /// The routine's context.
        service_context: u64 = [0x18] SERVICE_CONTEXT "ServiceContext",
        /// The spin lock to hold meanwhile, or 0 for one of the interrupt's own.
        spin_lock: u64 = [0x20] SPIN_LOCK "SpinLock",
        /// The level at which the routine runs.
        synchronize_irql: u8 = [0x28] SYNCHRONIZE_IRQL "SynchronizeIrql",
        /// Whether floating-point registers are saved; it has no meaning on x64.
        floating_save: u8 = [0x29] FLOATING_SAVE "FloatingSave",
        /// Whether others may have the same vector.
        share_vector: u8 = [0x2A] SHARE_VECTOR "ShareVector",
        /// Padding.
        padding: [u8; 1],
        /// The vector.
        vector: u32 = [0x2C] VECTOR "Vector",
        /// The device's level.
        irql: u8 = [0x30] IRQL "Irql",
        /// Padding.
        padding_2: [u8; 3],
        /// Whether the interrupt is of the level-sensitive kind.
        interrupt_mode: u32 = [0x34] INTERRUPT_MODE "InterruptMode",
        /// The processors.
        processor_enable_mask: u64 = [0x38] PROCESSOR_ENABLE_MASK "ProcessorEnableMask",
        /// The processors' group.
        group: u16 = [0x40] GROUP "Group",
        /// Padding.
        padding_3: [u8; 6],
    }
}

nt_struct! {
    /// The interrupts of a device's line.
    ConnectLineBased = "IO_CONNECT_INTERRUPT_LINE_BASED_PARAMETERS", 0x30 {
        /// The device.
        physical_device_object: u64 = [0x00] PHYSICAL_DEVICE_OBJECT "PhysicalDeviceObject",
        /// Where the interrupt object's address goes.
        interrupt_object: u64 = [0x08] INTERRUPT_OBJECT "InterruptObject",
        /// The routine's address.
        service_routine: u64 = [0x10] SERVICE_ROUTINE "ServiceRoutine",
        /// The routine's context.
        service_context: u64 = [0x18] SERVICE_CONTEXT "ServiceContext",
        /// The spin lock to hold meanwhile, or 0 for one of the interrupt's own.
        spin_lock: u64 = [0x20] SPIN_LOCK "SpinLock",
        /// The level at which the routine runs, or 0 for the device's.
        synchronize_irql: u8 = [0x28] SYNCHRONIZE_IRQL "SynchronizeIrql",
        /// Whether floating-point registers are saved; it has no meaning on x64.
        floating_save: u8 = [0x29] FLOATING_SAVE "FloatingSave",
        /// Padding.
        padding: [u8; 6],
    }
}

nt_struct! {
    /// The interrupts that a device signals by messages.
    ConnectMessageBased = "IO_CONNECT_INTERRUPT_MESSAGE_BASED_PARAMETERS", 0x38 {
        /// The device.
        physical_device_object: u64 = [0x00] PHYSICAL_DEVICE_OBJECT "PhysicalDeviceObject",
        /// Where the address of the message table goes, or that of an interrupt object.
        connection_context: u64 = [0x08] CONNECTION_CONTEXT "ConnectionContext",
        /// The address of the routine for messages.
        message_service_routine: u64 = [0x10] MESSAGE_SERVICE_ROUTINE "MessageServiceRoutine",
        /// The routine's context.
        service_context: u64 = [0x18] SERVICE_CONTEXT "ServiceContext",
        /// The spin lock to hold meanwhile, or 0 for one of the interrupt's own.
        spin_lock: u64 = [0x20] SPIN_LOCK "SpinLock",
        /// The level at which the routine runs, or 0 for the device's.
        synchronize_irql: u8 = [0x28] SYNCHRONIZE_IRQL "SynchronizeIrql",
        /// Whether floating-point registers are saved; it has no meaning on x64.
        floating_save: u8 = [0x29] FLOATING_SAVE "FloatingSave",
        /// Padding.
        padding: [u8; 6],
        /// The address of the routine for a device that has a line only, or 0.
        fall_back_service_routine: u64 = [0x30] FALL_BACK_SERVICE_ROUTINE "FallBackServiceRoutine",
    }
}

nt_struct! {
    /// What is to be disconnected.
    DisconnectInterruptParameters = "IO_DISCONNECT_INTERRUPT_PARAMETERS", 0x10 {
        /// The form in which it was connected.
        version: u32 = [0x0] VERSION "Version",
        /// Padding.
        padding: [u8; 4],
        /// The interrupt object or the message table.
        connection_context: u64 = [0x8] CONNECTION_CONTEXT "ConnectionContext",
    }
}

nt_struct! {
    /// One message of a device.
    InterruptMessageEntry = "IO_INTERRUPT_MESSAGE_INFO_ENTRY", 0x30 {
        /// Where the device writes to.
        message_address: u64 = [0x00] MESSAGE_ADDRESS "MessageAddress",
        /// The processors.
        target_processor_set: u64 = [0x08] TARGET_PROCESSOR_SET "TargetProcessorSet",
        /// The interrupt object.
        interrupt_object: u64 = [0x10] INTERRUPT_OBJECT "InterruptObject",
        /// What the device writes.
        message_data: u32 = [0x18] MESSAGE_DATA "MessageData",
        /// The vector.
        vector: u32 = [0x1C] VECTOR "Vector",
        /// The device's level.
        irql: u8 = [0x20] IRQL "Irql",
        /// Padding.
        padding: [u8; 3],
        /// Whether the interrupt is of the level-sensitive kind.
        mode: u32 = [0x24] MODE "Mode",
        /// The signal's polarity.
        polarity: u32 = [0x28] POLARITY "Polarity",
        /// Padding.
        padding_2: [u8; 4],
    }
}

nt_struct! {
    /// A device's messages; further entries follow the first.
    InterruptMessageTable = "IO_INTERRUPT_MESSAGE_INFO", 0x38 {
        /// The highest level of all messages.
        unified_irql: u8 = [0x00] UNIFIED_IRQL "UnifiedIrql",
        /// Padding.
        padding: [u8; 3],
        /// The number of messages.
        message_count: u32 = [0x04] MESSAGE_COUNT "MessageCount",
        /// The first message.
        message_info: InterruptMessageEntry = [0x08] MESSAGE_INFO "MessageInfo",
    }
}

nt_constants! {
    /// The fully specified form, on a machine of one group.
    CONNECT_FULLY_SPECIFIED: u32 = 1;
    /// The form for an interrupt line.
    CONNECT_LINE_BASED: u32 = 2;
    /// The form for interrupt messages.
    CONNECT_MESSAGE_BASED: u32 = 3;
    /// The fully specified form with the processors' group.
    CONNECT_FULLY_SPECIFIED_GROUP: u32 = 4;
    /// The newest form.
    CONNECT_CURRENT_VERSION: u32 = 4;
    /// An interrupt that is asserted until its cause is gone.
    LEVEL_SENSITIVE: u32 = 0, "LevelSensitive";
    /// An interrupt that is one edge.
    LATCHED: u32 = 1, "Latched";
}
