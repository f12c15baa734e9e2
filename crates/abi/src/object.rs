//! How objects are named and opened.

use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// Which object is meant, and how it is to be opened.
    ObjectAttributes = "OBJECT_ATTRIBUTES", 0x30 {
        /// The size of this structure.
        length: u32 = [0x00] LENGTH "Length",
        /// Padding.
        padding: [u8; 4],
        /// The handle of the folder that the name starts in, or 0.
        root_directory: u64 = [0x08] ROOT_DIRECTORY "RootDirectory",
        /// The address of the name, or 0.
        object_name: u64 = [0x10] OBJECT_NAME "ObjectName",
        /// Flags.
        attributes: u32 = [0x18] ATTRIBUTES "Attributes",
        /// Padding.
        padding_2: [u8; 4],
        /// The address of a new object's security, or 0.
        security_descriptor: u64 = [0x20] SECURITY_DESCRIPTOR "SecurityDescriptor",
        /// The address of what an impersonation may do, or 0.
        security_quality_of_service: u64 = [0x28] SECURITY_QUALITY_OF_SERVICE "SecurityQualityOfService",
    }
}

nt_struct! {
    /// The numbers of a thread and of its process.
    ClientId = "CLIENT_ID", 0x10 {
        /// The process.
        unique_process: u64 = [0x0] UNIQUE_PROCESS "UniqueProcess",
        /// The thread.
        unique_thread: u64 = [0x8] UNIQUE_THREAD "UniqueThread",
    }
}

nt_constants! {
    /// Child processes get the handle too.
    OBJ_INHERIT: u32 = 0x2;
    /// The object stays when its last handle is closed.
    OBJ_PERMANENT: u32 = 0x10;
    /// Only one process may open the object.
    OBJ_EXCLUSIVE: u32 = 0x20;
    /// The name is compared without regard to case.
    OBJ_CASE_INSENSITIVE: u32 = 0x40;
    /// An object that exists already is opened.
    OBJ_OPENIF: u32 = 0x80;
    /// A link is opened itself.
    OBJ_OPENLINK: u32 = 0x100;
    /// Only kernel mode may use the handle.
    OBJ_KERNEL_HANDLE: u32 = 0x200;
    /// Access is checked in kernel mode too.
    OBJ_FORCE_ACCESS_CHECK: u32 = 0x400;
    /// All flags that there are.
    OBJ_VALID_ATTRIBUTES: u32 = 0x1FF2;
    /// The caller is the kernel.
    KERNEL_MODE: u8 = 0, "KernelMode";
    /// The caller is a user's program.
    USER_MODE: u8 = 1, "UserMode";
}
