//! The page of numbers that the system shares with everybody.

use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// A time of 64 bits that can be read in one piece on 32-bit systems: read the first upper half, the lower half,
    /// and the second upper half, until both upper halves agree.
    KSystemTime = "KSYSTEM_TIME", 0xC {
        /// The lower half.
        low_part: u32 = [0x0] LOW_PART "LowPart",
        /// The upper half, written last.
        high1_time: i32 = [0x4] HIGH1_TIME "High1Time",
        /// The upper half again, written first.
        high2_time: i32 = [0x8] HIGH2_TIME "High2Time",
    }
}

impl KSystemTime {
    /// The time `value`, both upper halves alike.
    #[must_use]
    pub const fn new(value: u64) -> KSystemTime {
        let high = (value >> 32) as i32;
        KSystemTime { low_part: value as u32, high1_time: high, high2_time: high }
    }
}

nt_struct! {
    /// The shared page, as far as drivers commonly read it; the rest of the page is zero here.
    ///
    /// The header that the layout is compared with is older than the build number and the performance counter's
    /// frequency, which moved the system call's word: these three follow the reference page for the structure.
    KUserSharedData = "KUSER_SHARED_DATA", 0x3C8 {
        /// The tick count as old systems kept it.
        tick_count_low_deprecated: u32 = [0x000] TICK_COUNT_LOW_DEPRECATED "TickCountLowDeprecated",
        /// What turns ticks into milliseconds, scaled by 2 to the 24.
        tick_count_multiplier: u32 = [0x004] TICK_COUNT_MULTIPLIER "TickCountMultiplier",
        /// The time since the start, in units of 100 ns.
        interrupt_time: KSystemTime = [0x008] INTERRUPT_TIME "InterruptTime",
        /// The time since 1601, in units of 100 ns.
        system_time: KSystemTime = [0x014] SYSTEM_TIME "SystemTime",
        /// The time zone's distance.
        time_zone_bias: KSystemTime = [0x020] TIME_ZONE_BIAS "TimeZoneBias",
        /// The lowest machine number of images that run.
        image_number_low: u16 = [0x02C] IMAGE_NUMBER_LOW "ImageNumberLow",
        /// The highest machine number of images that run.
        image_number_high: u16 = [0x02E] IMAGE_NUMBER_HIGH "ImageNumberHigh",
        /// The system's folder, terminated.
        nt_system_root: [u16; 260] = [0x030] NT_SYSTEM_ROOT "NtSystemRoot",
        /// The deepest stack trace.
        max_stack_trace_depth: u32 = [0x238] MAX_STACK_TRACE_DEPTH "MaxStackTraceDepth",
        /// For cryptography.
        crypto_exponent: u32 = [0x23C] CRYPTO_EXPONENT "CryptoExponent",
        /// The time zone.
        time_zone_id: u32 = [0x240] TIME_ZONE_ID "TimeZoneId",
        /// The bytes of a large page.
        large_page_minimum: u32 = [0x244] LARGE_PAGE_MINIMUM "LargePageMinimum",
        /// Numbers that drivers have no use for.
        reserved: [u32; 6],
        /// The build.
        nt_build_number: u32 = [0x260] NT_BUILD_NUMBER "NtBuildNumber",
        /// 1 workstation, 2 domain controller, 3 server.
        nt_product_type: u32 = [0x264] NT_PRODUCT_TYPE "NtProductType",
        /// Whether the product type may be read.
        product_type_is_valid: u8 = [0x268] PRODUCT_TYPE_IS_VALID "ProductTypeIsValid",
        /// Padding.
        padding: [u8; 3],
        /// The major version.
        nt_major_version: u32 = [0x26C] NT_MAJOR_VERSION "NtMajorVersion",
        /// The minor version.
        nt_minor_version: u32 = [0x270] NT_MINOR_VERSION "NtMinorVersion",
        /// What the processors can do, by `PF_` number.
        processor_features: [u8; 64] = [0x274] PROCESSOR_FEATURES "ProcessorFeatures",
        /// Reserved.
        reserved1: u32 = [0x2B4] RESERVED1 "Reserved1",
        /// Reserved.
        reserved3: u32 = [0x2B8] RESERVED3 "Reserved3",
        /// The clock's drift.
        time_slip: u32 = [0x2BC] TIME_SLIP "TimeSlip",
        /// The kind of computer.
        alternative_architecture: u32 = [0x2C0] ALTERNATIVE_ARCHITECTURE "AlternativeArchitecture",
        /// Padding.
        padding_2: [u8; 4],
        /// When an evaluation copy ends.
        system_expiration_date: i64 = [0x2C8] SYSTEM_EXPIRATION_DATE "SystemExpirationDate",
        /// The product suites.
        suite_mask: u32 = [0x2D0] SUITE_MASK "SuiteMask",
        /// Whether a kernel debugger is there.
        kd_debugger_enabled: u8 = [0x2D4] KD_DEBUGGER_ENABLED "KdDebuggerEnabled",
        /// How no-execute memory is enforced.
        nx_support_policy: u8 = [0x2D5] NX_SUPPORT_POLICY "NXSupportPolicy",
        /// Padding.
        padding_3: [u8; 2],
        /// Which desktop has the console.
        active_console_id: u32 = [0x2D8] ACTIVE_CONSOLE_ID "ActiveConsoleId",
        /// Volumes dismounted so far.
        dismount_count: u32 = [0x2DC] DISMOUNT_COUNT "DismountCount",
        /// For the common language runtime.
        com_plus_package: u32 = [0x2E0] COM_PLUS_PACKAGE "ComPlusPackage",
        /// When the last input came.
        last_system_rit_event_tick_count: u32 =
            [0x2E4] LAST_SYSTEM_RIT_EVENT_TICK_COUNT "LastSystemRITEventTickCount",
        /// The frames of the computer.
        number_of_physical_pages: u32 = [0x2E8] NUMBER_OF_PHYSICAL_PAGES "NumberOfPhysicalPages",
        /// Whether the system started in safe mode.
        safe_boot_mode: u8 = [0x2EC] SAFE_BOOT_MODE "SafeBootMode",
        /// Numbers that drivers have no use for.
        reserved_2: [u8; 19],
        /// The performance counter's frequency.
        qpc_frequency: i64 = [0x300] QPC_FREQUENCY "QpcFrequency",
        /// How user mode enters the system.
        system_call: u32 = [0x308] SYSTEM_CALL "SystemCall",
        /// Numbers that drivers have no use for.
        reserved_4: [u8; 20],
        /// The ticks since the start.
        tick_count: KSystemTime = [0x320] TICK_COUNT "TickCount",
        /// Padding.
        padding_4: [u8; 4],
        /// The system's cookie for encoded pointers.
        cookie: u32 = [0x330] COOKIE "Cookie",
        /// Numbers that drivers have no use for.
        reserved_5: [u8; 124],
        /// What sleeping has kept from the interrupt time.
        interrupt_time_bias: u64 = [0x3B0] INTERRUPT_TIME_BIAS "InterruptTimeBias",
        /// What is added to the performance counter.
        qpc_bias: u64 = [0x3B8] QPC_BIAS "TscQpcBias",
        /// The processors at work.
        active_processor_count: u32 = [0x3C0] ACTIVE_PROCESSOR_COUNT "ActiveProcessorCount",
        /// The processor groups at work.
        active_group_count: u16 = [0x3C4] ACTIVE_GROUP_COUNT "ActiveGroupCount",
        /// Numbers that drivers have no use for.
        reserved_6: [u8; 2],
    }
    views {
        /// The ticks since the start, in one piece.
        TICK_COUNT_QUAD: u64 = [0x320] "TickCountQuad";
    }
}

/// Where drivers read the shared page on x64: the headers give the address as a constant, and compilers put it into
/// the drivers' code.
pub const SHARED_DATA_ADDRESS: u64 = 0xFFFF_F780_0000_0000;

nt_constants! {
    /// The number of entries in the table of processor features.
    PROCESSOR_FEATURE_MAX: u32 = 64;
}
