//! Telling what a trapped instruction wanted, and what a kernel would do about it.
//!
//! Pure logic: bytes and registers go in, a decision comes out. The trap handler carries it out.

use crate::layout::{SHARED_USER_DATA, SHARED_USER_DATA_SHADOW};
use iced_x86::{
    Code, Decoder, DecoderOptions, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
};
use ntpool_machine::{Access, Fault, Registers};
use ntpool_types::VirtualAddress;

/// What to do about an instruction that the processor refused to execute in user mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Put the processor's level into this register and go on.
    ReadLevel(usize),
    /// Set the processor's level to this value and go on.
    WriteLevel(u64),
    /// Put the time stamp counter into rdx:rax, and the processor's number into rcx if asked, and go on.
    ReadTimeStamp {
        /// Whether the instruction also asks for the processor's number.
        with_processor: bool,
    },
    /// A software interrupt of this vector.
    SoftwareInterrupt(u8),
    /// An instruction that needs privileges which a driver on this machine does not have.
    Privileged,
    /// An access to a non-canonical address.
    NonCanonical(Fault),
    /// An operand at this address that has to be aligned and is not.
    Misaligned(VirtualAddress),
    /// None of these.
    Other,
}

/// A way to carry out an access to the shared user data page, which lies where Linux maps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedDataAccess {
    /// Change this register by the distance to the shadow page, execute one instruction, and change it back unless
    /// that instruction overwrites it.
    Rebase {
        /// The register's number.
        register: usize,
        /// When to change it back.
        restore: Restore,
    },
    /// Load this many bytes from the shadow page into rax, whose address is in the instruction, and go on behind it.
    LoadAccumulator {
        /// The offset in the page.
        offset: u64,
        /// 1, 2, 4 or 8.
        width: usize,
        /// The length of the instruction.
        length: u64,
    },
}

/// When a rebased register is to be changed back after the instruction.
///
/// The distance to the shadow page has 32 zero bits at its lower end, so changing back keeps what an instruction wrote
/// to the register's lower 8 or 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// The instruction leaves the register, or changes its lower bits.
    Always,
    /// The instruction may or may not overwrite the register.
    IfUnchanged,
    /// The instruction overwrites the register.
    Never,
}

const _: () = assert!(SHARED_USER_DATA_DISTANCE & 0xFFFF_FFFF == 0);

/// The distance from the shared user data page to its shadow, to be added with wrap-around.
pub const SHARED_USER_DATA_DISTANCE: u64 = SHARED_USER_DATA_SHADOW.0.wrapping_sub(SHARED_USER_DATA.base.0);

fn decode(bytes: &[u8], registers: &Registers) -> Instruction {
    Decoder::with_ip(64, bytes, registers.instruction, DecoderOptions::NONE).decode()
}

fn value(registers: &Registers, register: Register) -> Option<u64> {
    match register {
        Register::None => Some(0),
        Register::RIP => Some(registers.instruction),
        // The segments that have a base here are not the driver's to use, except GS, which never traps this way.
        _ if register.is_segment_register() => Some(0),
        _ if register.is_gpr() => {
            let whole = registers.general[register.full_register().number()];
            Some(match register.size() {
                8 => whole,
                4 => whole & 0xFFFF_FFFF,
                2 => whole & 0xFFFF,
                _ => whole & 0xFF,
            })
        }
        _ => None,
    }
}

/// The first address among the instruction's memory operands that is not canonical.
fn non_canonical_operand(instruction: &Instruction, registers: &Registers) -> Option<Fault> {
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(instruction);
    info.used_memory().iter().find_map(|memory| {
        let address = memory.virtual_address(0, |register, _, _| value(registers, register))?;
        let address = VirtualAddress(address);
        let access = match memory.access() {
            OpAccess::Write | OpAccess::CondWrite => Access::Write,
            _ => Access::Read,
        };
        (!address.is_canonical()).then_some(Fault { address, access, non_canonical: true })
    })
}

/// What to do about an instruction that raised a general protection, stack or invalid-opcode trap.
///
/// `bytes` are the instruction's, and perhaps some after it; `error` is the trap's error code.
#[must_use]
pub fn refused(bytes: &[u8], registers: &Registers, error: u64) -> Refused {
    let instruction = decode(bytes, registers);
    match instruction.code() {
        Code::Mov_r64_cr if instruction.op1_register() == Register::CR8 => {
            return Refused::ReadLevel(instruction.op0_register().number());
        }
        Code::Mov_cr_r64 if instruction.op0_register() == Register::CR8 => {
            return Refused::WriteLevel(registers.general[instruction.op1_register().number()]);
        }
        Code::Rdtsc => return Refused::ReadTimeStamp { with_processor: false },
        Code::Rdtscp => return Refused::ReadTimeStamp { with_processor: true },
        Code::Int_imm8 => return Refused::SoftwareInterrupt(instruction.immediate8()),
        _ => {}
    }
    if let Some(fault) = non_canonical_operand(&instruction, registers) {
        return Refused::NonCanonical(fault);
    }
    let return_to_junk = matches!(instruction.mnemonic(), Mnemonic::Ret | Mnemonic::Jmp | Mnemonic::Call);
    if instruction.is_privileged() || is_port_or_flag_instruction(&instruction) {
        Refused::Privileged
    } else if return_to_junk {
        // The operand is where control was to go; the processor checks it before it goes there.
        Refused::NonCanonical(Fault {
            address: branch_target(&instruction, registers),
            access: Access::Execute,
            non_canonical: true,
        })
    } else if error & 0b10 != 0 && error >> 3 != 0 {
        Refused::SoftwareInterrupt((error >> 3) as u8)
    } else {
        misaligned_operand(&instruction, registers).map_or(Refused::Other, Refused::Misaligned)
    }
}

/// The first of the instruction's vector operands in memory that is not aligned to its size.
fn misaligned_operand(instruction: &Instruction, registers: &Registers) -> Option<VirtualAddress> {
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(instruction);
    info.used_memory().iter().find_map(|memory| {
        let size = memory.memory_size().size() as u64;
        let address = memory.virtual_address(0, |register, _, _| value(registers, register))?;
        (size >= 16 && size.is_power_of_two() && address % size != 0).then_some(VirtualAddress(address))
    })
}

/// Whether an instruction changes memory, as one of a loop that only waits does not.
#[must_use]
pub fn writes_memory(bytes: &[u8], registers: &Registers) -> bool {
    let instruction = decode(bytes, registers);
    // What compilers emit for a memory barrier: it stores what was there.
    if instruction.mnemonic() == Mnemonic::Or && instruction.op1_kind() == OpKind::Immediate8to32 {
        return instruction.immediate(1) != 0;
    }
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(&instruction);
    info.used_memory()
        .iter()
        .any(|memory| !matches!(memory.access(), OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess))
}

/// What the divisor of a division is that the processor refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divisor {
    /// This number, of which only the bits that the instruction looks at are set.
    Value(u64),
    /// So many bytes at this address.
    Memory(VirtualAddress, usize),
}

/// The divisor of a division; `None` for an instruction that is none.
#[must_use]
pub fn divisor(bytes: &[u8], registers: &Registers) -> Option<Divisor> {
    let instruction = decode(bytes, registers);
    if !matches!(instruction.mnemonic(), Mnemonic::Div | Mnemonic::Idiv) {
        return None;
    }
    if instruction.op0_kind() == OpKind::Register {
        return value(registers, instruction.op0_register()).map(Divisor::Value);
    }
    let address =
        instruction.virtual_address(0, 0, |register, _, _| value(registers, register)).map(VirtualAddress)?;
    Some(Divisor::Memory(address, instruction.memory_size().size()))
}

/// Where an indirect jump, a call or a return was to go, as far as the registers tell; all ones otherwise.
fn branch_target(instruction: &Instruction, registers: &Registers) -> VirtualAddress {
    let target = match instruction.op_count() {
        1 if instruction.op0_kind() == OpKind::Register => value(registers, instruction.op0_register()),
        _ => None,
    };
    VirtualAddress(target.unwrap_or(u64::MAX))
}

fn is_port_or_flag_instruction(instruction: &Instruction) -> bool {
    use Mnemonic::{Cli, Hlt, In, Insb, Insd, Insw, Out, Outsb, Outsd, Outsw, Rdmsr, Rdpmc, Sti, Wrmsr};
    matches!(
        instruction.mnemonic(),
        In | Out | Insb | Insw | Insd | Outsb | Outsw | Outsd | Cli | Sti | Hlt | Rdmsr | Wrmsr | Rdpmc
    )
}

/// How to carry out a read of the shared user data page, or `None` for an instruction that can't be.
#[must_use]
pub fn shared_data_access(bytes: &[u8], registers: &Registers) -> Option<SharedDataAccess> {
    let instruction = decode(bytes, registers);
    let offset = |address: u64| {
        address.checked_sub(SHARED_USER_DATA.base.0).filter(|&offset| offset < SHARED_USER_DATA.size.0)
    };
    let width = match instruction.code() {
        Code::Mov_AL_moffs8 => Some(1),
        Code::Mov_AX_moffs16 => Some(2),
        Code::Mov_EAX_moffs32 => Some(4),
        Code::Mov_RAX_moffs64 => Some(8),
        _ => None,
    };
    if let Some(width) = width {
        let offset = offset(instruction.memory_displacement64())?;
        return Some(SharedDataAccess::LoadAccumulator { offset, width, length: instruction.len() as u64 });
    }
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(&instruction);
    let memory = info.used_memory().iter().find(|memory| {
        memory
            .virtual_address(0, |register, _, _| value(registers, register))
            .is_some_and(|address| offset(address).is_some())
    })?;
    if !matches!(memory.access(), OpAccess::Read | OpAccess::CondRead) {
        return None;
    }
    let register = match (memory.base(), memory.index(), memory.scale()) {
        (base, _, _) if base.is_gpr64() => base,
        (Register::None, index, 1) if index.is_gpr64() => index,
        _ => return None,
    };
    let restore = restoration(&instruction, register)?;
    Some(SharedDataAccess::Rebase { register: register.number(), restore })
}

/// What becomes of a rebased register when the instruction has been executed; `None` for one that computes with it in a
/// way that cannot be undone.
fn restoration(instruction: &Instruction, register: Register) -> Option<Restore> {
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(instruction);
    // As a value the register would be the moved one.
    let computes = (0..instruction.op_count()).any(|place| {
        instruction.op_kind(place) == OpKind::Register
            && instruction.op_register(place).full_register() == register
            && !matches!(info.op_access(place), OpAccess::Write | OpAccess::CondWrite)
    });
    if computes {
        return None;
    }
    let written = |used: &&iced_x86::UsedRegister| {
        used.register().full_register() == register
            && !matches!(
                used.access(),
                OpAccess::Read | OpAccess::CondRead | OpAccess::None | OpAccess::NoMemAccess
            )
    };
    let Some(used) = info.used_registers().iter().find(written) else { return Some(Restore::Always) };
    match (used.access(), used.register().size()) {
        // A write of 32 bits clears the upper half, also one that a condition leaves out.
        (OpAccess::Write, 4 | 8) | (OpAccess::CondWrite, 4) => Some(Restore::Never),
        (OpAccess::CondWrite, 8) => Some(Restore::IfUnchanged),
        (OpAccess::Write, _) => Some(Restore::Always),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntpool_machine::register::{RAX, RBX, RCX, RDX};

    fn registers() -> Registers {
        Registers { instruction: 0x2000_0000_1000, ..Registers::default() }
    }

    #[test]
    fn cr8_is_the_irql() {
        assert_eq!(refused(&[0x44, 0x0F, 0x20, 0xC0], &registers(), 0), Refused::ReadLevel(RAX));
        let mut before = registers();
        before.general[RCX] = 2;
        assert_eq!(refused(&[0x44, 0x0F, 0x22, 0xC1], &before, 0), Refused::WriteLevel(2));
    }

    #[test]
    fn other_control_registers_ports_and_msrs_are_privileged() {
        for bytes in
            [&[0x0F, 0x20, 0xC0][..], &[0xEC], &[0xF4], &[0xFA], &[0xFB], &[0x0F, 0x32], &[0x0F, 0x30]]
        {
            assert_eq!(refused(bytes, &registers(), 0), Refused::Privileged, "{bytes:x?}");
        }
    }

    #[test]
    fn a_software_interrupt_has_its_vector() {
        assert_eq!(refused(&[0xCD, 0x29], &registers(), 0x14A), Refused::SoftwareInterrupt(0x29));
    }

    #[test]
    fn the_time_stamp_counter_is_read_with_and_without_the_processor() {
        assert_eq!(refused(&[0x0F, 0x31], &registers(), 0), Refused::ReadTimeStamp { with_processor: false });
        assert_eq!(
            refused(&[0x0F, 0x01, 0xF9], &registers(), 0),
            Refused::ReadTimeStamp { with_processor: true }
        );
    }

    #[test]
    fn a_non_canonical_operand_is_found_with_its_address() {
        let mut before = registers();
        before.general[RBX] = 0xDEAD_BEEF_0000_0000;
        // mov rax, [rbx+8]; mov [rbx], eax; jmp rbx
        let read = Fault {
            address: VirtualAddress(0xDEAD_BEEF_0000_0008),
            access: Access::Read,
            non_canonical: true,
        };
        assert_eq!(refused(&[0x48, 0x8B, 0x43, 0x08], &before, 0), Refused::NonCanonical(read));
        let write = Fault { address: VirtualAddress(0xDEAD_BEEF_0000_0000), access: Access::Write, ..read };
        assert_eq!(refused(&[0x89, 0x03], &before, 0), Refused::NonCanonical(write));
        let jump = Fault { access: Access::Execute, ..write };
        assert_eq!(refused(&[0xFF, 0xE3], &before, 0), Refused::NonCanonical(jump));
    }

    #[test]
    fn shared_user_data_is_read_through_a_rebased_register() {
        let mut before = registers();
        before.general[RDX] = 0xFFFF_F780_0000_0000;
        // mov eax, [rdx+0x14]; mov rdx, [rdx+8]
        assert_eq!(
            shared_data_access(&[0x8B, 0x42, 0x14], &before),
            Some(SharedDataAccess::Rebase { register: RDX, restore: Restore::Always })
        );
        assert_eq!(
            shared_data_access(&[0x48, 0x8B, 0x52, 0x08], &before),
            Some(SharedDataAccess::Rebase { register: RDX, restore: Restore::Never })
        );
        let rebase = |restore| Some(SharedDataAccess::Rebase { register: RDX, restore });
        // mov dl, [rdx+8] keeps the rest; cmove rdx, [rdx+8] may; those that compute with rdx can't be served
        assert_eq!(shared_data_access(&[0x8A, 0x52, 0x08], &before), rebase(Restore::Always));
        assert_eq!(
            shared_data_access(&[0x48, 0x0F, 0x44, 0x52, 0x08], &before),
            rebase(Restore::IfUnchanged)
        );
        for computing in [[0x48, 0x03, 0x52, 0x08], [0x48, 0x33, 0x52, 0x08], [0x48, 0x3B, 0x52, 0x08]] {
            assert_eq!(shared_data_access(&computing, &before), None);
        }
        // cmp eax, [rdx+8]
        assert_eq!(shared_data_access(&[0x3B, 0x42, 0x08], &before), rebase(Restore::Always));
        // mov [rdx], eax is a write, which that page does not allow.
        assert_eq!(shared_data_access(&[0x89, 0x02], &before), None);
    }

    #[test]
    fn the_divisor_of_a_division_is_a_register_or_in_memory() {
        let mut registers = registers();
        registers.general[1] = 0x1_0000_0000;
        registers.general[3] = 0x4000;
        // div ecx; div rcx; idiv byte [rbx+8]; add ecx, 1
        assert_eq!(divisor(&[0xF7, 0xF1], &registers), Some(Divisor::Value(0)));
        assert_eq!(divisor(&[0x48, 0xF7, 0xF1], &registers), Some(Divisor::Value(0x1_0000_0000)));
        let memory = Divisor::Memory(VirtualAddress(0x4008), 1);
        assert_eq!(divisor(&[0xF6, 0x7B, 8], &registers), Some(memory));
        assert_eq!(divisor(&[0x83, 0xC1, 1], &registers), None);
    }

    #[test]
    fn a_vector_operand_that_is_not_aligned_is_found() {
        let mut before = registers();
        before.general[RDX] = 0x2000_1000_0008;
        // movaps xmm0, [rdx]
        let address = VirtualAddress(0x2000_1000_0008);
        assert_eq!(refused(&[0x0F, 0x28, 0x02], &before, 0), Refused::Misaligned(address));
    }

    #[test]
    fn shared_user_data_is_read_through_an_absolute_address() {
        // movabs eax, [0xFFFFF78000000320]
        let bytes = [0xA1, 0x20, 0x03, 0x00, 0x00, 0x80, 0xF7, 0xFF, 0xFF];
        assert_eq!(
            shared_data_access(&bytes, &registers()),
            Some(SharedDataAccess::LoadAccumulator { offset: 0x320, width: 4, length: 9 })
        );
    }
}
