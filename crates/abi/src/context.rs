//! A processor's registers as drivers see them.

use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// The registers of a processor at one moment.
    ///
    /// The general registers lie in the order of their x64 numbers.
    ProcessorContext = "CONTEXT", 0x4D0 {
        /// Where a callee may keep its register arguments when it is handed a context on its stack.
        home: [u64; 6],
        /// Which parts hold anything.
        flags: u32 = [0x30] CONTEXT_FLAGS "ContextFlags",
        /// The control and status register of the vector unit.
        mx_csr: u32 = [0x34] MX_CSR "MxCsr",
        /// The code segment.
        seg_cs: u16 = [0x38] SEG_CS "SegCs",
        /// The data segment.
        seg_ds: u16 = [0x3A] SEG_DS "SegDs",
        /// The extra segment.
        seg_es: u16 = [0x3C] SEG_ES "SegEs",
        /// The segment FS.
        seg_fs: u16 = [0x3E] SEG_FS "SegFs",
        /// The segment GS.
        seg_gs: u16 = [0x40] SEG_GS "SegGs",
        /// The stack segment.
        seg_ss: u16 = [0x42] SEG_SS "SegSs",
        /// The flags register.
        e_flags: u32 = [0x44] E_FLAGS "EFlags",
        /// The debug registers 0 to 3, 6 and 7.
        debug: [u64; 6],
        /// The general registers by their x64 number.
        general: [u64; 16],
        /// The instruction pointer.
        rip: u64 = [0xF8] RIP "Rip",
        /// What the processor saves of the floating-point unit, before its vector registers.
        float_head: [u8; 0xA0],
        /// The vector registers by their number.
        xmm: [u128; 16],
        /// The rest of the floating-point save area.
        float_tail: [u8; 0x60],
        /// Vector registers of no kernel.
        vector_register: [u128; 26] = [0x300] VECTOR_REGISTER "VectorRegister",
        /// What the vector registers are for.
        vector_control: u64 = [0x4A0] VECTOR_CONTROL "VectorControl",
        /// The debug control register.
        debug_control: u64 = [0x4A8] DEBUG_CONTROL "DebugControl",
        /// Where the last branch led.
        last_branch_to_rip: u64 = [0x4B0] LAST_BRANCH_TO_RIP "LastBranchToRip",
        /// Where the last branch came from.
        last_branch_from_rip: u64 = [0x4B8] LAST_BRANCH_FROM_RIP "LastBranchFromRip",
        /// Where the last exception led.
        last_exception_to_rip: u64 = [0x4C0] LAST_EXCEPTION_TO_RIP "LastExceptionToRip",
        /// Where the last exception came from.
        last_exception_from_rip: u64 = [0x4C8] LAST_EXCEPTION_FROM_RIP "LastExceptionFromRip",
    }
    views {
        /// The first of the home spaces.
        P1_HOME: u64 = [0x00] "P1Home";
        /// The first debug register.
        DR0: u64 = [0x48] "Dr0";
        /// The last debug register.
        DR7: u64 = [0x70] "Dr7";
        /// The general register 0.
        RAX: u64 = [0x78] "Rax";
        /// The general register 1.
        RCX: u64 = [0x80] "Rcx";
        /// The general register 2.
        RDX: u64 = [0x88] "Rdx";
        /// The general register 3.
        RBX: u64 = [0x90] "Rbx";
        /// The general register 4.
        RSP: u64 = [0x98] "Rsp";
        /// The general register 5.
        RBP: u64 = [0xA0] "Rbp";
        /// The general register 6.
        RSI: u64 = [0xA8] "Rsi";
        /// The general register 7.
        RDI: u64 = [0xB0] "Rdi";
        /// The general register 8.
        R8: u64 = [0xB8] "R8";
        /// The general register 15.
        R15: u64 = [0xF0] "R15";
        /// The control word of the floating-point unit.
        FLOAT_CONTROL: u16 = [0x100] "FltSave.ControlWord";
        /// The control and status register of the vector unit, as the processor saves it.
        FLOAT_MX_CSR: u32 = [0x118] "FltSave.MxCsr";
        /// The vector register 0.
        XMM0: u128 = [0x1A0] "Xmm0";
        /// The vector register 15.
        XMM15: u128 = [0x290] "Xmm15";
    }
}

const _: () = {
    assert!(core::mem::offset_of!(ProcessorContext, general) == 0x78, "the general registers");
    assert!(core::mem::offset_of!(ProcessorContext, xmm) == 0x1A0, "the vector registers");
};

nt_constants! {
    /// The context has the stack pointer, the instruction pointer, the flags and the segments of code and stack.
    CONTEXT_CONTROL: u32 = 0x10_0001;
    /// The context has the other general registers.
    CONTEXT_INTEGER: u32 = 0x10_0002;
    /// The context has the data segments.
    CONTEXT_SEGMENTS: u32 = 0x10_0004;
    /// The context has the vector registers.
    CONTEXT_FLOATING_POINT: u32 = 0x10_0008;
    /// The floating-point unit's control word at its start.
    INITIAL_FPCSR: u32 = 0x27F;
    /// The vector unit's control and status register at its start.
    INITIAL_MXCSR: u32 = 0x1F80;
}
