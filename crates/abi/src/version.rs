//! The version of Windows as a driver asks for it.

use crate::layout::nt_struct;

nt_struct! {
    /// The version of Windows.
    OsVersionInfo = "RTL_OSVERSIONINFOW", 0x114 {
        /// The structure's size, by which the caller says which one it passes (MACH-073).
        info_size: u32 = [0x000] INFO_SIZE "dwOSVersionInfoSize",
        /// The major version.
        major_version: u32 = [0x004] MAJOR_VERSION "dwMajorVersion",
        /// The minor version.
        minor_version: u32 = [0x008] MINOR_VERSION "dwMinorVersion",
        /// The build.
        build_number: u32 = [0x00C] BUILD_NUMBER "dwBuildNumber",
        /// 2: Windows NT.
        platform_id: u32 = [0x010] PLATFORM_ID "dwPlatformId",
        /// The service pack in words, terminated.
        csd_version: [u16; 128] = [0x014] CSD_VERSION "szCSDVersion",
    }
}

nt_struct! {
    /// The version of Windows with its service pack and product.
    OsVersionInfoEx = "RTL_OSVERSIONINFOEXW", 0x11C {
        /// The structure's size, by which the caller says which one it passes (MACH-073).
        info_size: u32 = [0x000] INFO_SIZE "dwOSVersionInfoSize",
        /// The major version.
        major_version: u32 = [0x004] MAJOR_VERSION "dwMajorVersion",
        /// The minor version.
        minor_version: u32 = [0x008] MINOR_VERSION "dwMinorVersion",
        /// The build.
        build_number: u32 = [0x00C] BUILD_NUMBER "dwBuildNumber",
        /// 2: Windows NT.
        platform_id: u32 = [0x010] PLATFORM_ID "dwPlatformId",
        /// The service pack in words, terminated.
        csd_version: [u16; 128] = [0x014] CSD_VERSION "szCSDVersion",
        /// The service pack's major version.
        service_pack_major: u16 = [0x114] SERVICE_PACK_MAJOR "wServicePackMajor",
        /// The service pack's minor version.
        service_pack_minor: u16 = [0x116] SERVICE_PACK_MINOR "wServicePackMinor",
        /// The product suites.
        suite_mask: u16 = [0x118] SUITE_MASK "wSuiteMask",
        /// Workstation, domain controller or server.
        product_type: u8 = [0x11A] PRODUCT_TYPE "wProductType",
        /// Reserved.
        reserved: u8 = [0x11B] RESERVED "wReserved",
    }
}
